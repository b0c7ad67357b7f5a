/* Labels: classification, and the agreement of two raters.  The numbers are those of scikit-learn
   1.2.1 with zero_division 0.

   A label is a number or a string; parameter "labels" names the classes in their order, else they
   are all that come up, numbers by value before strings.  With t the counts of true labels, p of
   predicted ones, over s samples of which c are right:

   - micro sums the counts of the given labels, macro is the plain mean over all of them, those that
     never come up too, weighted goes by true counts.
   - balanced_accuracy is the mean recall of the classes that there are.
   - MCC (R_K: J. Gorodkin, 2004) = (c s - sum p t) / sqrt((s^2 - sum p^2)(s^2 - sum t^2)), 0 where
     that is 0/0.
   - kappa (J. Cohen, 1960 and 1968) = 1 - observed / expected disagreement, weighted by 1, by the
     distance of the labels' positions, or by its square; "nan" where none is expected.

   Raw values: nothing is rescaled to 0..1. */
#include "eval.h"

#define FT__CLASSIFY_MAX_LABELS 2048 /* their square is counted, and written */

typedef struct ft__classify {
    ft__interner names;
    size_t n_labels;        /* those with the smallest numbers */
    uint32_t *first, *second; /* (n) labels of the samples */
    size_t n;
} ft__classify;

/* A label with a mark of its type before it; 1, 1.0 and true are the same, as they are in
   Python. */
static ft_status ft__classify_name(const ft__metric_call *call, const ft__json *label,
                                   ft__view *name) {
    char number[32];
    bool flag = label->type == FT__JSON_TRUE || label->type == FT__JSON_FALSE;
    ft__view text = ft__json_view(label);
    if (label->type == FT__JSON_NUMBER || flag) {
        double value = flag ? label->type == FT__JSON_TRUE : label->number;
        text.n = ft__number_write(value == 0 ? 0 : value, number);
        text.text = number;
    } else if (label->type != FT__JSON_STRING) {
        return ft__metric_fail(call, "a label must be a number or a string, found %s",
                               ft__json_type_name(label->type));
    }
    char *copy = (char *)ft__arena_alloc(call->arena, text.n + 1, 1);
    if (!copy) return ft__fail_memory(call->err);
    copy[0] = label->type == FT__JSON_STRING ? '"' : '#';
    if (text.n) memcpy(copy + 1, text.text, text.n);
    name->text = copy;
    name->n = text.n + 1;
    return FT_OK;
}

static ft_status ft__classify_intern(const ft__metric_call *call, ft__classify *c,
                                     const ft__json *label, uint32_t *id) {
    ft__view name;
    ft_status status = ft__classify_name(call, label, &name);
    if (status) return status;
    *id = ft__interner_id(&c->names, name);
    return c->names.failed ? ft__fail_memory(call->err) : FT_OK;
}

static double ft__classify_value(const ft__json *label) {
    return label->type == FT__JSON_NUMBER ? label->number : label->type == FT__JSON_TRUE;
}

/* Numbers by value, then strings as Python sorts them. */
static int ft__classify_order(const void *a, const void *b) {
    const ft__json *x = *(const ft__json *const *)a, *y = *(const ft__json *const *)b;
    bool text_x = x->type == FT__JSON_STRING, text_y = y->type == FT__JSON_STRING;
    if (text_x != text_y) return text_x ? 1 : -1;
    if (text_x) return ft__text_compare(ft__json_view(x), ft__json_view(y));
    double v = ft__classify_value(x), w = ft__classify_value(y);
    return (v > w) - (v < w);
}

/* The classes: those of the parameter, or all that come up. */
static ft_status ft__classify_labels(const ft__metric_call *call, ft__classify *c,
                                     const ft__json *first, const ft__json *second) {
    const ft__json *given = ft__json_get(call->params, "labels");
    ft_status status = FT_OK;
    uint32_t id;
    size_t n = 0;
    if (given && given->type == FT__JSON_ARRAY) {
        for (const ft__json *v = given->child; v && !status; v = v->next)
            status = ft__classify_intern(call, c, v, &id);
        if (!status && c->names.n < given->count)
            status = ft__metric_fail(call, "a label is named twice");
    } else if (given && given->type != FT__JSON_NULL) {
        return ft__fail(call->err, FT_ERR_ARGUMENT, "", "%s: parameter \"labels\" must be a list",
                        call->name);
    } else {
        const ft__json **all = (const ft__json **)ft__arena_alloc(
            call->arena, first->count + second->count, sizeof *all);
        if (!all) return ft__fail_memory(call->err);
        for (const ft__json *v = first->child; v; v = v->next) all[n++] = v;
        for (const ft__json *v = second->child; v; v = v->next) all[n++] = v;
        qsort(all, n, sizeof *all, ft__classify_order);
        for (size_t i = 0; i < n && !status; i++)
            status = ft__classify_intern(call, c, all[i], &id);
    }
    c->n_labels = c->names.n;
    if (!status && c->n_labels > FT__CLASSIFY_MAX_LABELS)
        status = ft__metric_fail(call, "more than %d labels", FT__CLASSIFY_MAX_LABELS);
    return status;
}

static ft_status ft__classify_column(const ft__metric_call *call, ft__classify *c,
                                     const ft__json *list, uint32_t **ids) {
    ft_status status = FT_OK;
    size_t n = 0;
    *ids = (uint32_t *)ft__arena_alloc(call->arena, list->count, sizeof **ids);
    if (!*ids) return ft__fail_memory(call->err);
    for (const ft__json *v = list->child; v && !status; v = v->next)
        status = ft__classify_intern(call, c, v, &(*ids)[n++]);
    return status;
}

static ft_status ft__classify_read(const ft__metric_call *call, ft__classify *c, const char *first,
                                   const char *second) {
    const ft__json *x, *y;
    ft_status status = ft__metric_input(call, first, FT__JSON_ARRAY, &x);
    if (!status) status = ft__metric_input(call, second, FT__JSON_ARRAY, &y);
    if (status) return status;
    if (x->count != y->count || x->count == 0)
        return ft__metric_fail(call, "%zu and %zu labels do not make pairs", x->count, y->count);
    c->n = x->count;
    status = ft__classify_labels(call, c, x, y);
    if (!status) status = ft__classify_column(call, c, x, &c->first);
    if (!status) status = ft__classify_column(call, c, y, &c->second);
    return status;
}

/* ---- classification */

/* Of one class, or of a mean. */
typedef struct ft__classify_rates {
    double precision, recall, f1, f2;
} ft__classify_rates;

static double ft__classify_ratio(double a, double b) { return b > 0 ? a / b : 0; }

static double ft__classify_f(double precision, double recall, double beta) {
    double b = beta * beta;
    return ft__classify_ratio((1 + b) * precision * recall, b * precision + recall);
}

static ft__classify_rates ft__classify_rate(double right, double predicted, double support) {
    ft__classify_rates r;
    r.precision = ft__classify_ratio(right, predicted);
    r.recall = ft__classify_ratio(right, support);
    r.f1 = ft__classify_f(r.precision, r.recall, 1);
    r.f2 = ft__classify_f(r.precision, r.recall, 2);
    return r;
}

static void ft__classify_add(ft__classify_rates *sum, const ft__classify_rates *r, double weight) {
    sum->precision += weight * r->precision;
    sum->recall += weight * r->recall;
    sum->f1 += weight * r->f1;
    sum->f2 += weight * r->f2;
}

static void ft__classify_write_rates(ft__json_writer *w, const char *average,
                                     const ft__classify_rates *r, double total) {
    static const char *const names[] = {"precision", "recall", "f1"};
    double values[3];
    char key[32];
    values[0] = r->precision;
    values[1] = r->recall;
    values[2] = r->f1;
    for (int i = 0; i < 3; i++) {
        snprintf(key, sizeof key, "%s_%s", names[i], average);
        ft__metric_number(w, key, ft__classify_ratio(values[i], total));
    }
}

/* Counts by label: right ones, predictions, true labels. */
typedef struct ft__classify_counts {
    double *right, *predicted, *support;
} ft__classify_counts;

static void ft__classify_write_summary(const ft__classify *c, const ft__classify_counts *n,
                                       ft__json_writer *w) {
    double s = (double)c->n, right = 0, recalls = 0, classes = 0, pt = 0, pp = 0, tt = 0;
    for (size_t k = 0; k < c->names.n; k++) {
        right += n->right[k];
        if (n->support[k] > 0) recalls += n->right[k] / n->support[k], classes++;
        pt += n->predicted[k] * n->support[k];
        pp += n->predicted[k] * n->predicted[k];
        tt += n->support[k] * n->support[k];
    }
    double scale = ft__sqrt((s * s - pp) * (s * s - tt));
    ft__metric_number(w, "accuracy", right / s);
    ft__metric_number(w, "balanced_accuracy", recalls / classes);
    ft__metric_number(w, "mcc", ft__classify_ratio(right * s - pt, scale));
}

static void ft__classify_write_classes(const ft__classify *c, const ft__classify_counts *n,
                                       ft__json_writer *w) {
    double right = 0, predicted = 0, support = 0, n_labels = (double)c->n_labels;
    ft__classify_rates macro = {0, 0, 0, 0}, weighted = {0, 0, 0, 0};
    ft__json_key(w, "per_class");
    ft__json_begin(w, '[');
    for (size_t k = 0; k < c->n_labels; k++) {
        ft__classify_rates r = ft__classify_rate(n->right[k], n->predicted[k], n->support[k]);
        ft__json_begin(w, '{');
        ft__metric_number(w, "precision", r.precision);
        ft__metric_number(w, "recall", r.recall);
        ft__metric_number(w, "f1", r.f1);
        ft__metric_number(w, "support", n->support[k]);
        ft__json_end(w, '}');
        right += n->right[k];
        predicted += n->predicted[k];
        support += n->support[k];
        ft__classify_add(&macro, &r, 1);
        ft__classify_add(&weighted, &r, n->support[k]);
    }
    ft__json_end(w, ']');
    ft__classify_rates micro = ft__classify_rate(right, predicted, support);
    ft__classify_write_rates(w, "micro", &micro, 1);
    ft__classify_write_rates(w, "macro", &macro, n_labels);
    ft__classify_write_rates(w, "weighted", &weighted, support);
    if (c->n_labels == 2) {
        ft__classify_rates r = ft__classify_rate(n->right[1], n->predicted[1], n->support[1]);
        ft__classify_write_rates(w, "binary", &r, 1);
    }
    ft__metric_number(w, "f2_macro", ft__classify_ratio(macro.f2, n_labels));
}

/* Rows are true labels, columns predicted ones; labels that are not among the classes stay out. */
static ft_status ft__classify_write_confusion(const ft__metric_call *call, const ft__classify *c) {
    size_t n = c->n_labels;
    uint32_t *cells = (uint32_t *)ft__arena_alloc(call->arena, n * n, sizeof *cells);
    if (!cells) return ft__fail_memory(call->err);
    for (size_t i = 0; i < c->n; i++)
        if (c->first[i] < n && c->second[i] < n) cells[c->first[i] * n + c->second[i]]++;
    ft__json_key(call->out, "confusion");
    ft__json_begin(call->out, '[');
    for (size_t i = 0; i < n; i++) {
        ft__json_begin(call->out, '[');
        for (size_t j = 0; j < n; j++) ft__json_number(call->out, (double)cells[i * n + j]);
        ft__json_end(call->out, ']');
    }
    ft__json_end(call->out, ']');
    return FT_OK;
}

static ft_status ft__classify_run(const ft__metric_call *call, const ft__classify *c) {
    ft__classify_counts n;
    double zero_division = 0;
    ft_status status = ft__metric_param(call, "zero_division", 0, 0, &zero_division);
    if (status) return status;
    n.right = (double *)ft__arena_alloc(call->arena, c->names.n, sizeof *n.right);
    n.predicted = (double *)ft__arena_alloc(call->arena, c->names.n, sizeof *n.predicted);
    n.support = (double *)ft__arena_alloc(call->arena, c->names.n, sizeof *n.support);
    if (!n.right || !n.predicted || !n.support) return ft__fail_memory(call->err);
    for (size_t i = 0; i < c->n; i++) {
        n.right[c->first[i]] += c->first[i] == c->second[i];
        n.support[c->first[i]]++;
        n.predicted[c->second[i]]++;
    }
    ft__json_begin(call->out, '{');
    ft__classify_write_summary(c, &n, call->out);
    ft__classify_write_classes(c, &n, call->out);
    status = ft__classify_write_confusion(call, c);
    ft__json_end(call->out, '}');
    return status;
}

/* ---- kappa */

enum { FT__CLASSIFY_UNWEIGHTED, FT__CLASSIFY_LINEAR, FT__CLASSIFY_QUADRATIC };

static double ft__classify_distance(int weights, size_t i, size_t j) {
    double d = i > j ? (double)(i - j) : (double)(j - i);
    return weights == FT__CLASSIFY_UNWEIGHTED ? i != j : weights == FT__CLASSIFY_LINEAR ? d : d * d;
}

static double ft__classify_kappa(const ft__classify *c, int weights, const double *x,
                                 const double *y) {
    double observed = 0, expected = 0, n = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (c->first[i] >= c->n_labels || c->second[i] >= c->n_labels) continue;
        observed += ft__classify_distance(weights, c->first[i], c->second[i]);
        n++;
    }
    for (size_t i = 0; i < c->n_labels; i++)
        for (size_t j = 0; j < c->n_labels; j++)
            expected += ft__classify_distance(weights, i, j) * x[i] * y[j];
    expected /= n;
    return 1 - observed / expected; /* 0/0 is NaN */
}

static ft_status ft__classify_run_kappa(const ft__metric_call *call, const ft__classify *c) {
    double *x = (double *)ft__arena_alloc(call->arena, c->n_labels, sizeof *x);
    double *y = (double *)ft__arena_alloc(call->arena, c->n_labels, sizeof *y);
    if (!x || !y) return ft__fail_memory(call->err);
    for (size_t i = 0; i < c->n; i++) {
        if (c->first[i] >= c->n_labels || c->second[i] >= c->n_labels) continue;
        x[c->first[i]]++;
        y[c->second[i]]++;
    }
    ft__json_begin(call->out, '{');
    ft__metric_number(call->out, "kappa_unweighted",
                      ft__classify_kappa(c, FT__CLASSIFY_UNWEIGHTED, x, y));
    ft__metric_number(call->out, "kappa_linear", ft__classify_kappa(c, FT__CLASSIFY_LINEAR, x, y));
    ft__metric_number(call->out, "kappa_quadratic",
                      ft__classify_kappa(c, FT__CLASSIFY_QUADRATIC, x, y));
    ft__json_end(call->out, '}');
    return FT_OK;
}

static ft_status ft__classify_metric(const ft__metric_call *call) {
    bool kappa = call->which == 1;
    ft__classify c;
    memset(&c, 0, sizeof c);
    ft__interner_init(&c.names, &call->arena->allocator);
    ft_status status = ft__classify_read(call, &c, kappa ? "rater1" : "y_true",
                                         kappa ? "rater2" : "y_pred");
    if (!status) status = kappa ? ft__classify_run_kappa(call, &c) : ft__classify_run(call, &c);
    ft__interner_free(&c.names);
    return status;
}

FT__PRIV const ft__metric_kind *ft__classify_metrics(size_t *n) {
    static const ft__metric_kind kinds[] = {{"classification", 0, ft__classify_metric},
                                            {"cohen_kappa", 1, ft__classify_metric}};
    *n = FT__COUNT(kinds);
    return kinds;
}

/* ---- the evaluator "label": one answer.  A comparison adds the classification of all answers. */

typedef struct ft__label {
    const ft__json *labels; /* a list of texts, or NULL: any */
    bool ignore_case;
} ft__label;

static ft_status ft__label_prepare(ft_evaluator *e, ft_error *err) {
    const ft__json *labels = ft__param(e, "labels");
    ft__label *l = (ft__label *)ft__arena_alloc(&e->arena, 1, sizeof *l);
    if (!l) return ft__fail_memory(err);
    e->state = l;
    l->ignore_case = ft__param_flag(e, "ignore_case");
    if (labels->type == FT__JSON_NULL) return FT_OK;
    l->labels = labels;
    const ft__json *each = labels->type == FT__JSON_ARRAY ? labels->child : NULL;
    bool fine = each != NULL;
    for (; each && fine; each = each->next) fine = ft__json_as_text(each).n > 0;
    return fine ? FT_OK : ft__param_bad(e, "labels", "null or a list of texts", err);
}

/* Equal, perhaps but for case.  False: out of memory. */
static bool ft__label_equal(const ft_evaluator *e, ft__view x, ft__view y, bool *equal) {
    ft__buf low[2];
    *equal = ft__text_equal(x.text, x.n, y.text, y.n);
    if (*equal || !((const ft__label *)e->state)->ignore_case) return true;
    ft__buf_init(&low[0], &e->arena.allocator);
    ft__buf_init(&low[1], &e->arena.allocator);
    ft__lower(x.text, x.n, &low[0]);
    ft__lower(y.text, y.n, &low[1]);
    bool ok = !low[0].failed && !low[1].failed;
    *equal = ok && ft__text_equal(low[0].data, low[0].len, low[1].data, low[1].len);
    ft__buf_free(&low[0]);
    ft__buf_free(&low[1]);
    return ok;
}

/* The label that a text is, as it is spelled in the list; .text NULL: none.  False: out of memory. */
static bool ft__label_find(const ft_evaluator *e, ft__view text, ft__view *label) {
    const ft__json *labels = ((const ft__label *)e->state)->labels;
    bool equal = false;
    *label = text;
    if (!labels) return true;
    for (const ft__json *l = labels->child; l; l = l->next) {
        *label = ft__json_as_text(l);
        if (!ft__label_equal(e, text, *label, &equal)) return false;
        if (equal) return true;
    }
    label->text = NULL;
    return true;
}

static bool ft__label_is_mark(char c, const char *marks) { return c && strchr(marks, c) != NULL; }

FT__PRIV bool ft__label_of_output(const ft_evaluator *e, ft__view output, ft__view *label) {
    ft__view text = ft__text_strip(output);
    while (text.n && ft__label_is_mark(text.text[text.n - 1], ".!,;:\"'`*")) text.n--;
    while (text.n && ft__label_is_mark(text.text[0], "\"'`*")) text.text++, text.n--;
    return ft__label_find(e, text, label);
}

FT__PRIV bool ft__label_of_row(const ft_evaluator *e, const ft_row *row, ft__view *label) {
    return ft__label_find(e, ft__json_as_text(ft__row_get(row, "expected")), label);
}

static bool ft__label_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                            ft_score *score) {
    ft__view expected, wanted, got;
    char excerpt[64], shown[64];
    bool equal = false;
    if (!ft__row_text(row, "expected", &expected, score)) return true;
    if (!ft__label_of_row(e, row, &wanted) || !ft__label_of_output(e, output, &got)) return false;
    if (!wanted.text)
        return ft__score_error(score, "\"expected\" is none of the labels: \"%s\"",
                               ft__text_excerpt(expected, excerpt));
    if (got.text && !ft__label_equal(e, wanted, got, &equal)) return false;
    score->value = equal;
    if (!got.text)
        ft__score_detail(score, "no label: \"%s\"", ft__text_excerpt(output, excerpt));
    else if (!equal)
        ft__score_detail(score, "expected \"%s\", found \"%s\"", ft__text_excerpt(wanted, excerpt),
                         ft__text_excerpt(got, shown));
    return true;
}

FT__PRIV const ft__evaluator_kind *ft__classify_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"label", "the output is the expected label (of a list, if one is given)", "expected",
          "{\"labels\": null, \"ignore_case\": true, \"threshold\": 1}",
          0, 1, true, 1, "label|v1", FT_FROM_TEXT},
         0, ft__label_prepare, ft__label_score, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}

#undef FT__CLASSIFY_MAX_LABELS
