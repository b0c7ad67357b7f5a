/* Agreement of many raters.

   - fleiss_kappa (J. Fleiss, 1971) and randolph_kappa (J. Randolph, 2005): a table of subjects by
     categories, each cell the number of raters who chose it, as many raters for each subject.  P is
     the mean share of pairs of raters that agree, Pe what is expected of them: the sum of the
     squared shares of the categories, or 1/categories.  (P - Pe) / (1 - Pe); "nan" where Pe is 1 or
     a subject has less than two raters.  The numbers are those of statsmodels 0.13.5.
   - krippendorff_alpha (K. Krippendorff, "Computing Krippendorff's alpha-reliability", 2011): rows
     of ratings, one per unit, null where a rater gave none; units with less than two count for
     nothing.  1 - observed / expected disagreement, for squared distances of four kinds.  1 where
     all ratings are the same, "nan" where no unit is left.

   Time goes with the square of the number of different ratings, and of ratings per unit; beyond
   FT__AGREE_MAX_STEPS alpha refuses.  Raw values: what is below 0 stays there. */
#include "eval.h"

#define FT__AGREE_MAX_STEPS 200000000.0 /* about a second */

/* ---- the kappas of a table */

/* Reads one subject; the row's sum and its agreeing pairs (twice). */
static ft_status ft__agree_read_subject(const ft__metric_call *call, const ft__json *row,
                                        double *columns, size_t n_columns, double *sum,
                                        double *pairs) {
    size_t k = 0;
    *sum = *pairs = 0;
    if (row->type != FT__JSON_ARRAY || row->count != n_columns)
        return ft__metric_fail(call, "\"table\" must be rows of counts, all of the same length");
    for (const ft__json *cell = row->child; cell; cell = cell->next) {
        if (!ft__json_is_integer(cell, 0, 1e9))
            return ft__metric_fail(call, "\"table\" must hold counts of raters");
        columns[k++] += cell->number;
        *sum += cell->number;
        *pairs += cell->number * (cell->number - 1);
    }
    return FT_OK;
}

static ft_status ft__agree_kappa(const ft__metric_call *call) {
    const ft__json *table;
    ft_status status = ft__metric_input(call, "table", FT__JSON_ARRAY, &table);
    if (status) return status;
    if (!table->child || table->child->type != FT__JSON_ARRAY || !table->child->count)
        return ft__metric_fail(call, "\"table\" must be a list of rows of counts");
    size_t n_columns = table->child->count;
    double *columns = (double *)ft__arena_alloc(call->arena, n_columns, sizeof *columns);
    double n = (double)table->count, raters = 0, agreed = 0, expected = 0;
    if (!columns) return ft__fail_memory(call->err);
    for (const ft__json *row = table->child; row; row = row->next) {
        double sum, pairs;
        status = ft__agree_read_subject(call, row, columns, n_columns, &sum, &pairs);
        if (status) return status;
        if (row == table->child) raters = sum;
        if (sum != raters)
            return ft__metric_fail(call, "subjects have different numbers of raters");
        agreed += pairs / (raters * (raters - 1)); /* NaN for less than two */
    }
    for (size_t k = 0; k < n_columns; k++) {
        double share = columns[k] / (n * raters);
        expected += share * share;
    }
    if (call->which == 1) expected = 1 / (double)n_columns;
    ft__metric_number(call->out, NULL, (agreed / n - expected) / (1 - expected));
    return FT_OK;
}

/* ---- Krippendorff's alpha */

enum { FT__AGREE_NOMINAL, FT__AGREE_ORDINAL, FT__AGREE_INTERVAL, FT__AGREE_RATIO };

/* Ratings in units of two or more, as the places of their values in a sorted list. */
typedef struct ft__agree {
    double *values, *counts; /* (n_values) each value and how often it is given */
    double *before;          /* (n_values) the counts of smaller values, summed */
    size_t n_values;
    uint32_t *ratings;       /* (n_ratings) unit after unit */
    size_t *ends, n_units;   /* (n_units) */
    size_t n_ratings;
} ft__agree;

static int ft__agree_order(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static uint32_t ft__agree_place(const ft__agree *v, double value) {
    size_t low = 0, high = v->n_values;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (v->values[middle] <= value) low = middle;
        else high = middle;
    }
    return (uint32_t)low;
}

/* The ratings of all units that have two or more, into `raw`. */
static ft_status ft__agree_read_units(const ft__metric_call *call, const ft__json *units,
                                      double *raw, ft__agree *v) {
    for (const ft__json *unit = units->child; unit; unit = unit->next) {
        size_t begin = v->n_ratings;
        for (const ft__json *r = unit->child; r; r = r->next) {
            if (r->type == FT__JSON_NULL) continue;
            if (r->type != FT__JSON_NUMBER)
                return ft__metric_fail(call, "a rating must be a number or null, found %s",
                                       ft__json_type_name(r->type));
            raw[v->n_ratings++] = r->number;
        }
        if (v->n_ratings - begin < 2) v->n_ratings = begin;
        else v->ends[v->n_units++] = v->n_ratings;
    }
    return FT_OK;
}

static ft_status ft__agree_read(const ft__metric_call *call, ft__agree *v) {
    const ft__json *units;
    size_t n = 0;
    ft_status status = ft__metric_input(call, "ratings", FT__JSON_ARRAY, &units);
    if (status) return status;
    for (const ft__json *unit = units->child; unit; unit = unit->next) {
        if (unit->type != FT__JSON_ARRAY)
            return ft__metric_fail(call, "\"ratings\" must be a list of lists");
        n += unit->count;
    }
    double *raw = (double *)ft__arena_alloc(call->arena, n, sizeof *raw);
    v->values = (double *)ft__arena_alloc(call->arena, n, sizeof *v->values);
    v->counts = (double *)ft__arena_alloc(call->arena, n, sizeof *v->counts);
    v->before = (double *)ft__arena_alloc(call->arena, n, sizeof *v->before);
    v->ratings = (uint32_t *)ft__arena_alloc(call->arena, n, sizeof *v->ratings);
    v->ends = (size_t *)ft__arena_alloc(call->arena, units->count, sizeof *v->ends);
    if (!raw || !v->values || !v->counts || !v->before || !v->ratings || !v->ends)
        return ft__fail_memory(call->err);
    status = ft__agree_read_units(call, units, raw, v);
    if (status || !v->n_ratings) return status;
    memcpy(v->values, raw, v->n_ratings * sizeof *raw);
    qsort(v->values, v->n_ratings, sizeof *v->values, ft__agree_order);
    for (size_t i = 0; i < v->n_ratings; i++)
        if (!i || v->values[i] != v->values[v->n_values - 1])
            v->values[v->n_values++] = v->values[i];
    for (size_t i = 0; i < v->n_ratings; i++) {
        v->ratings[i] = ft__agree_place(v, raw[i]);
        v->counts[v->ratings[i]]++;
    }
    for (size_t i = 1; i < v->n_values; i++) v->before[i] = v->before[i - 1] + v->counts[i - 1];
    return FT_OK;
}

/* The squared distance of two different values, c before k. */
static double ft__agree_distance(const ft__agree *v, int level, size_t c, size_t k) {
    double x = v->values[c], y = v->values[k], d = y - x;
    switch (level) {
    case FT__AGREE_NOMINAL: return 1;
    case FT__AGREE_ORDINAL: /* ratings from c to k, half of those at the ends */
        d = v->before[k] - v->before[c] + (v->counts[k] - v->counts[c]) / 2;
        break;
    case FT__AGREE_RATIO: d = x + y == 0 ? 0 : d / (x + y); break;
    default: break;
    }
    return d * d;
}

static double ft__agree_alpha(const ft__agree *v, int level) {
    double observed = 0, expected = 0;
    for (size_t u = 0, begin = 0; u < v->n_units; begin = v->ends[u++]) {
        double sum = 0;
        for (size_t i = begin; i < v->ends[u]; i++)
            for (size_t j = begin; j < v->ends[u]; j++)
                if (v->ratings[i] < v->ratings[j])
                    sum += ft__agree_distance(v, level, v->ratings[i], v->ratings[j]);
        observed += sum / (double)(v->ends[u] - begin - 1);
    }
    for (size_t c = 0; c < v->n_values; c++)
        for (size_t k = c + 1; k < v->n_values; k++)
            expected += v->counts[c] * v->counts[k] * ft__agree_distance(v, level, c, k);
    /* Either is half of its sum: each pair was taken once. */
    return expected > 0 ? 1 - (double)(v->n_ratings - 1) * observed / expected : 1;
}

static ft_status ft__agree_krippendorff(const ft__metric_call *call) {
    static const char *const levels[] = {"nominal", "ordinal", "interval", "ratio"};
    ft__agree v;
    memset(&v, 0, sizeof v);
    ft_status status = ft__agree_read(call, &v);
    if (status) return status;
    double steps = (double)v.n_values * (double)v.n_values;
    for (size_t u = 0, begin = 0; u < v.n_units; begin = v.ends[u++])
        steps += (double)(v.ends[u] - begin) * (double)(v.ends[u] - begin);
    if (steps > FT__AGREE_MAX_STEPS) return ft__metric_fail(call, "too many different ratings");
    ft__json_begin(call->out, '{');
    for (int level = 0; level < 4; level++)
        ft__metric_number(call->out, levels[level],
                          v.n_units ? ft__agree_alpha(&v, level) : __builtin_nan(""));
    ft__json_end(call->out, '}');
    return FT_OK;
}

FT__PRIV const ft__metric_kind *ft__agree_metrics(size_t *n) {
    static const ft__metric_kind kinds[] = {{"fleiss_kappa", 0, ft__agree_kappa},
                                            {"randolph_kappa", 1, ft__agree_kappa},
                                            {"krippendorff_alpha", 0, ft__agree_krippendorff}};
    *n = FT__COUNT(kinds);
    return kinds;
}

#undef FT__AGREE_MAX_STEPS
