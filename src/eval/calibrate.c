/* Scores and probabilities against what was true.  y is 0 or 1, or the index of a class.  The
   numbers are those of scikit-learn 1.2.1; for calibration errors those of their definitions.

   - roc_auc = (concordant pairs + ties / 2) / (positives * negatives).
     average_precision = sum over distinct thresholds, from the highest, of the gain in recall times
     the precision there; pr_auc_trapezoid joins the same points by lines, from recall 0, precision
     1.  Without a positive, for roc_auc without a negative, they are "nan".
   - brier = mean (p - y)^2; for classes the mean of the sum over classes, without a half.
   - log_loss = -mean log p of what was true, with p clipped to [eps, 1 - eps] and then scaled so
     that a row's sum is 1.
   - ece (C. Guo et al., "On calibration of modern neural networks", 2017): bins of equal width,
     (lo, hi], weighted mean of |accuracy - mean confidence|; mce is the largest.  ece_adaptive:
     bins of equal mass, of samples in the order of confidence, those of equal confidence in theirs.
   - multiclass_prob: confidence is the largest probability, of the first class that has it; top2
     prefers the last class among equal ones.  AUC of each class against the rest (ovr), and of both
     directions of each pair (ovo), plain means; "nan" if a class never comes up.

   All take n log n. */
#include "eval.h"

#define FT__CALIBRATE_SLACK 1e-9 /* by which a probability may leave 0..1, for rounding */

/* ---- AUC */

typedef struct ft__calibrate_item {
    double score;
    size_t at; /* in the input */
    bool positive;
} ft__calibrate_item;

/* From the highest score; equal ones in the order of the input. */
static int ft__calibrate_order(const void *a, const void *b) {
    const ft__calibrate_item *x = (const ft__calibrate_item *)a;
    const ft__calibrate_item *y = (const ft__calibrate_item *)b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

typedef struct ft__calibrate_areas {
    double roc, precision, trapezoid;
} ft__calibrate_areas;

/* Sorts the items. */
static ft__calibrate_areas ft__calibrate_area(ft__calibrate_item *items, size_t n) {
    ft__calibrate_areas areas = {0, 0, 0};
    double positives = 0, hits = 0, misses = 0, last_recall = 0, last_precision = 1;
    qsort(items, n, sizeof *items, ft__calibrate_order);
    for (size_t i = 0; i < n; i++) positives += items[i].positive;
    for (size_t i = 0; i < n;) {
        double score = items[i].score, right = 0, wrong = 0;
        for (; i < n && items[i].score == score; i++)
            if (items[i].positive) right++;
            else wrong++;
        areas.roc += wrong * (hits + right / 2); /* positives above these negatives, or with them */
        hits += right;
        misses += wrong;
        double recall = hits / positives, precision = hits / (hits + misses);
        areas.precision += (recall - last_recall) * precision;
        areas.trapezoid += (recall - last_recall) * (precision + last_precision) / 2;
        last_recall = recall;
        last_precision = precision;
    }
    areas.roc /= positives * misses;
    return areas;
}

/* ---- input */

/* 0 or 1, or class indexes below `classes`. */
static ft_status ft__calibrate_truth(const ft__metric_call *call, const char *field, size_t classes,
                                     double **y, size_t *n) {
    ft_status status = ft__metric_numbers(call, field, y, n);
    for (size_t i = 0; i < *n && !status; i++)
        if (!((*y)[i] >= 0 && (*y)[i] < (double)classes && ft__floor((*y)[i]) == (*y)[i]))
            status = ft__metric_fail(call, "\"%s\" must hold numbers from 0 to %zu", field,
                                     classes - 1);
    return status;
}

static bool ft__calibrate_is_probability(double p) {
    return p >= -FT__CALIBRATE_SLACK && p <= 1 + FT__CALIBRATE_SLACK;
}

/* Two lists of the same length, at least 1: what was true, and scores or probabilities. */
static ft_status ft__calibrate_read(const ft__metric_call *call, const char *truth,
                                    const char *field, bool probabilities, double **y, double **x,
                                    size_t *n) {
    size_t n_y;
    ft_status status = ft__calibrate_truth(call, truth, 2, y, &n_y);
    if (!status) status = ft__metric_numbers(call, field, x, n);
    if (status) return status;
    if (n_y != *n || n_y == 0)
        return ft__metric_fail(call, "%zu of \"%s\" and %zu of \"%s\" do not make pairs", n_y,
                               truth, *n, field);
    for (size_t i = 0; i < *n && probabilities; i++)
        if (!ft__calibrate_is_probability((*x)[i]))
            return ft__metric_fail(call, "\"%s\" must hold numbers from 0 to 1", field);
    return FT_OK;
}

/* ---- one probability each */

static ft_status ft__calibrate_auc(const ft__metric_call *call) {
    double *y, *scores;
    size_t n;
    ft_status status = ft__calibrate_read(call, "y_true", "scores", false, &y, &scores, &n);
    if (status) return status;
    ft__calibrate_item *items =
        (ft__calibrate_item *)ft__arena_alloc(call->arena, n, sizeof *items);
    if (!items) return ft__fail_memory(call->err);
    for (size_t i = 0; i < n; i++) {
        items[i].score = scores[i];
        items[i].at = i;
        items[i].positive = y[i] > 0;
    }
    ft__calibrate_areas areas = ft__calibrate_area(items, n);
    ft__json_begin(call->out, '{');
    ft__metric_number(call->out, "roc_auc", areas.roc);
    ft__metric_number(call->out, "average_precision", areas.precision);
    ft__metric_number(call->out, "pr_auc_trapezoid", areas.trapezoid);
    ft__json_end(call->out, '}');
    return FT_OK;
}

static ft_status ft__calibrate_brier(const ft__metric_call *call) {
    double *y, *p, sum = 0;
    size_t n;
    ft_status status = ft__calibrate_read(call, "y_true", "probs", true, &y, &p, &n);
    if (status) return status;
    for (size_t i = 0; i < n; i++) sum += (p[i] - y[i]) * (p[i] - y[i]);
    ft__metric_number(call->out, NULL, sum / (double)n);
    return FT_OK;
}

static double ft__calibrate_clip(double p, double eps) {
    return p < eps ? eps : p > 1 - eps ? 1 - eps : p;
}

static ft_status ft__calibrate_log_loss(const ft__metric_call *call) {
    double *y, *p, sum = 0, eps = 1e-15;
    size_t n;
    ft_status status = ft__metric_param(call, "eps", 1e-300, 0.5, &eps);
    if (!status) status = ft__calibrate_read(call, "y_true", "probs", true, &y, &p, &n);
    if (status) return status;
    for (size_t i = 0; i < n; i++) {
        double one = ft__calibrate_clip(p[i], eps), zero = 1 - one;
        sum -= ft__log((y[i] > 0 ? one : zero) / (one + zero));
    }
    ft__metric_number(call->out, NULL, sum / (double)n);
    return FT_OK;
}

/* ---- calibration errors */

typedef struct ft__calibrate_bin {
    double n, right, confidence;
} ft__calibrate_bin;

static double ft__calibrate_gap(const ft__calibrate_bin *b) {
    double gap = b->n > 0 ? (b->right - b->confidence) / b->n : 0;
    return gap < 0 ? -gap : gap;
}

static ft_status ft__calibrate_n_bins(const ft__metric_call *call, const char *param,
                                      size_t *n_bins) {
    double value = 10;
    ft_status status = ft__metric_param(call, param, 1, 100000, &value);
    *n_bins = (size_t)value;
    return status;
}

/* The bin that is (lo, hi] for this confidence; the first one has 0, too. */
static size_t ft__calibrate_bin_of(double confidence, size_t n_bins) {
    double scaled = confidence * (double)n_bins, whole = ft__floor(scaled);
    double bin = whole < scaled ? whole : whole - 1; /* ceil - 1 */
    return bin < 0 ? 0 : bin >= (double)n_bins ? n_bins - 1 : (size_t)bin;
}

/* Writes ece and mce, and leaves the bins to the caller: (n_bins), all 0 before. */
static void ft__calibrate_bins(ft__json_writer *w, ft__calibrate_bin *bins, size_t n_bins,
                               const double *confidence, const double *right, size_t n) {
    double ece = 0, mce = 0;
    for (size_t i = 0; i < n; i++) {
        ft__calibrate_bin *b = &bins[ft__calibrate_bin_of(confidence[i], n_bins)];
        b->n++;
        b->right += right[i];
        b->confidence += confidence[i];
    }
    for (size_t k = 0; k < n_bins; k++) {
        double gap = ft__calibrate_gap(&bins[k]);
        ece += bins[k].n / (double)n * gap;
        if (gap > mce) mce = gap;
    }
    ft__metric_number(w, "ece", ece);
    ft__metric_number(w, "mce", mce);
}

/* Each bin that is not empty: index, samples, accuracy, mean confidence. */
static void ft__calibrate_write_bins(ft__json_writer *w, const ft__calibrate_bin *bins,
                                     size_t n_bins) {
    ft__json_key(w, "bins");
    ft__json_begin(w, '[');
    for (size_t k = 0; k < n_bins; k++) {
        if (bins[k].n <= 0) continue;
        ft__json_begin(w, '[');
        ft__json_number(w, (double)k);
        ft__json_number(w, bins[k].n);
        ft__json_number(w, bins[k].right / bins[k].n);
        ft__json_number(w, bins[k].confidence / bins[k].n);
        ft__json_end(w, ']');
    }
    ft__json_end(w, ']');
}

static ft_status ft__calibrate_ece(const ft__metric_call *call) {
    double *right, *confidence;
    size_t n, n_bins;
    ft_status status = ft__calibrate_n_bins(call, "bins", &n_bins);
    if (!status)
        status = ft__calibrate_read(call, "correct", "confidence", true, &right, &confidence, &n);
    if (status) return status;
    ft__calibrate_bin *bins =
        (ft__calibrate_bin *)ft__arena_alloc(call->arena, n_bins, sizeof *bins);
    if (!bins) return ft__fail_memory(call->err);
    ft__json_begin(call->out, '{');
    ft__calibrate_bins(call->out, bins, n_bins, confidence, right, n);
    ft__calibrate_write_bins(call->out, bins, n_bins);
    ft__json_end(call->out, '}');
    return FT_OK;
}

static int ft__calibrate_ascending(const void *a, const void *b) {
    const ft__calibrate_item *x = (const ft__calibrate_item *)a;
    const ft__calibrate_item *y = (const ft__calibrate_item *)b;
    if (x->score != y->score) return x->score < y->score ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static ft_status ft__calibrate_ece_adaptive(const ft__metric_call *call) {
    double *right, *confidence, ece = 0;
    size_t n, n_bins;
    ft_status status = ft__calibrate_n_bins(call, "bins", &n_bins);
    if (!status)
        status = ft__calibrate_read(call, "correct", "confidence", true, &right, &confidence, &n);
    if (status) return status;
    ft__calibrate_item *items =
        (ft__calibrate_item *)ft__arena_alloc(call->arena, n, sizeof *items);
    if (!items) return ft__fail_memory(call->err);
    for (size_t i = 0; i < n; i++) {
        items[i].score = confidence[i];
        items[i].at = i;
        items[i].positive = right[i] > 0;
    }
    qsort(items, n, sizeof *items, ft__calibrate_ascending);
    for (size_t k = 0; k < n_bins; k++) {
        ft__calibrate_bin bin = {0, 0, 0};
        for (size_t i = k * n / n_bins; i < (k + 1) * n / n_bins; i++) {
            bin.n++;
            bin.right += items[i].positive;
            bin.confidence += items[i].score;
        }
        ece += bin.n / (double)n * ft__calibrate_gap(&bin);
    }
    ft__metric_number(call->out, NULL, ece);
    return FT_OK;
}

/* ---- one probability for each class */

typedef struct ft__calibrate_classes {
    double *p; /* (n, k) */
    double *y; /* (n) */
    size_t n, k;
} ft__calibrate_classes;

static ft_status ft__calibrate_read_classes(const ft__metric_call *call, ft__calibrate_classes *c) {
    const ft__json *rows;
    size_t n_y, n = 0;
    ft_status status = ft__metric_input(call, "probs", FT__JSON_ARRAY, &rows);
    if (status) return status;
    c->n = rows->count;
    c->k = rows->child && rows->child->type == FT__JSON_ARRAY ? rows->child->count : 0;
    if (!c->k) return ft__metric_fail(call, "\"probs\" must be lists of probabilities");
    status = ft__calibrate_truth(call, "y_true", c->k, &c->y, &n_y);
    if (status) return status;
    if (n_y != c->n)
        return ft__metric_fail(call, "%zu of \"y_true\" and %zu of \"probs\" do not make pairs",
                               n_y, c->n);
    size_t total;
    if (!ft__mul_size(c->n, c->k, &total)) return ft__fail_memory(call->err);
    c->p = (double *)ft__arena_alloc(call->arena, total, sizeof *c->p);
    if (!c->p) return ft__fail_memory(call->err);
    for (const ft__json *row = rows->child; row; row = row->next) {
        if (row->type != FT__JSON_ARRAY || row->count != c->k)
            return ft__metric_fail(call, "\"probs\" must be lists of the same length");
        for (const ft__json *p = row->child; p; p = p->next) {
            if (p->type != FT__JSON_NUMBER || !ft__calibrate_is_probability(p->number))
                return ft__metric_fail(call, "\"probs\" must hold numbers from 0 to 1");
            c->p[n++] = p->number;
        }
    }
    return FT_OK;
}

/* Class `a` against class `b`, or against all others where b is c->k; by the probability of a. */
static double ft__calibrate_class_auc(const ft__calibrate_classes *c, size_t a, size_t b,
                                      ft__calibrate_item *items) {
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        size_t y = (size_t)c->y[i];
        if (y != a && y != b && b != c->k) continue;
        items[n].score = c->p[i * c->k + a];
        items[n].at = i;
        items[n++].positive = y == a;
    }
    return n ? ft__calibrate_area(items, n).roc : __builtin_nan("");
}

static void ft__calibrate_write_aucs(ft__json_writer *w, const ft__calibrate_classes *c,
                                     ft__calibrate_item *items) {
    double rest = 0, pairs = 0, k = (double)c->k;
    for (size_t a = 0; a < c->k; a++) {
        rest += ft__calibrate_class_auc(c, a, c->k, items);
        for (size_t b = 0; b < c->k; b++)
            if (a != b) pairs += ft__calibrate_class_auc(c, a, b, items);
    }
    ft__metric_number(w, "roc_auc_ovr_macro", rest / k);
    ft__metric_number(w, "roc_auc_ovo_macro", pairs / (k * (k - 1)));
}

/* A row's largest probability, the class that has it, and whether the true class is among the best
   two. */
static size_t ft__calibrate_best(const double *p, size_t k, size_t y, bool *top2) {
    size_t best = 0, better = 0;
    for (size_t j = 0; j < k; j++) {
        if (p[j] > p[best]) best = j;
        better += p[j] > p[y] || (p[j] == p[y] && j > y);
    }
    *top2 = better < 2;
    return best;
}

/* Writes the means over rows; gives each row's confidence and whether it is right. */
static void ft__calibrate_write_rows(ft__json_writer *w, const ft__calibrate_classes *c,
                                     double *confidence, double *right) {
    double brier = 0, loss = 0, top1 = 0, top2 = 0, n = (double)c->n;
    for (size_t i = 0; i < c->n; i++) {
        const double *p = c->p + i * c->k;
        size_t y = (size_t)c->y[i];
        bool in_two;
        double sum = 0;
        for (size_t j = 0; j < c->k; j++) {
            double gap = p[j] - (j == y);
            brier += gap * gap;
            sum += ft__calibrate_clip(p[j], 1e-15);
        }
        loss -= ft__log(ft__calibrate_clip(p[y], 1e-15) / sum);
        size_t best = ft__calibrate_best(p, c->k, y, &in_two);
        confidence[i] = p[best];
        right[i] = best == y;
        top1 += right[i];
        top2 += in_two;
    }
    ft__metric_number(w, "brier_multiclass", brier / n);
    ft__metric_number(w, "log_loss", loss / n);
    ft__metric_number(w, "top1", top1 / n);
    ft__metric_number(w, "top2", top2 / n);
}

static ft_status ft__calibrate_multiclass(const ft__metric_call *call) {
    ft__calibrate_classes c;
    size_t n_bins;
    ft_status status = ft__calibrate_n_bins(call, "ece_bins", &n_bins);
    if (!status) status = ft__calibrate_read_classes(call, &c);
    if (status) return status;
    ft__calibrate_item *items =
        (ft__calibrate_item *)ft__arena_alloc(call->arena, c.n, sizeof *items);
    ft__calibrate_bin *bins =
        (ft__calibrate_bin *)ft__arena_alloc(call->arena, n_bins, sizeof *bins);
    double *confidence = (double *)ft__arena_alloc(call->arena, c.n, sizeof *confidence);
    double *right = (double *)ft__arena_alloc(call->arena, c.n, sizeof *right);
    if (!items || !bins || !confidence || !right) return ft__fail_memory(call->err);
    ft__json_begin(call->out, '{');
    ft__calibrate_write_rows(call->out, &c, confidence, right);
    ft__calibrate_write_aucs(call->out, &c, items);
    ft__calibrate_bins(call->out, bins, n_bins, confidence, right, c.n);
    ft__json_end(call->out, '}');
    return FT_OK;
}

FT__PRIV const ft__metric_kind *ft__calibrate_metrics(size_t *n) {
    static const ft__metric_kind kinds[] = {
        {"roc_pr_auc", 0, ft__calibrate_auc},
        {"brier", 0, ft__calibrate_brier},
        {"log_loss", 0, ft__calibrate_log_loss},
        {"ece", 0, ft__calibrate_ece},
        {"ece_adaptive", 0, ft__calibrate_ece_adaptive},
        {"multiclass_prob", 0, ft__calibrate_multiclass},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}

#undef FT__CALIBRATE_SLACK
