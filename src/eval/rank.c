/* Ranked lists of documents against what is relevant: "ranked" is a list of ids, "qrels" an object
   of id and grade; a grade above 0 is relevant, a document that is not there has 0.  With R
   relevant documents, at a cut-off of k ranks:

   - precision = hits/k, even where less than k came back; recall = hits/R; f1 of both; hit: any;
     r_precision: precision at rank R.
   - reciprocal rank of the first relevant document; ap: the mean over relevant documents of the
     precision at their ranks (0 for those that are not there), at k over min(R, k).
   - dcg = sum of gain / log2(rank + 1) (K. Jarvelin, J. Kekalainen, 2002), the gain being the grade
     (linear) or 2^grade - 1 (exp); ndcg: over that of the best order, 0 where that is 0.

   Without a relevant document all are 0, and count as such in the means of retrieval_corpus.  A
   document that comes again has been seen: its later ranks count as not relevant, lest recall go
   beyond 1.  ndcg_tied sorts by scores, and equal ones share the mean of their gains, as in
   scikit-learn.

   The evaluators read the ranked list from the output: a JSON list of ids, or else one id a line;
   and the relevant ones from the row's "expected": an object of id and grade, a list of ids, or one
   id.  There a row without a relevant document is an error: there is nothing to find. */
#include "eval.h"

/* ---- one query */

/* A list as grades, and the grades there are. */
typedef struct ft__rank {
    ft__interner ids;
    ft__arena arena;
    double *grades;   /* (n_grades) by id; after ft__rank_end_grades from the greatest */
    size_t n_grades, cap_grades;
    double *list;     /* (n) the grade at each rank */
    size_t n, cap;
    uint8_t *seen;    /* (n_seen) by id */
    size_t n_seen;
    double relevant;
} ft__rank;

static void ft__rank_init(ft__rank *r, const ft_allocator *a) {
    memset(r, 0, sizeof *r);
    ft__interner_init(&r->ids, a);
    ft__arena_init(&r->arena, a);
}

static void ft__rank_free(ft__rank *r) {
    ft__free(&r->arena.allocator, r->grades);
    ft__free(&r->arena.allocator, r->list);
    ft__arena_free(&r->arena);
    ft__interner_free(&r->ids);
}

/* All grades first, then ft__rank_begin_list, then the list.  Of two grades for a document the
   later one counts.  False: out of memory. */
static bool ft__rank_add_grade(ft__rank *r, ft__view id, double grade) {
    uint32_t at = ft__interner_id(&r->ids, id);
    if (r->ids.failed || !ft__grow(&r->arena.allocator, (void **)&r->grades, &r->cap_grades,
                                   (size_t)at + 1, sizeof *r->grades))
        return false;
    r->grades[at] = grade;
    r->n_grades = r->ids.n;
    return true;
}

static bool ft__rank_begin_list(ft__rank *r) {
    r->seen = (uint8_t *)ft__arena_alloc(&r->arena, r->n_grades, 1);
    r->n_seen = r->n_grades;
    for (size_t i = 0; i < r->n_grades; i++) r->relevant += r->grades[i] > 0;
    return r->seen != NULL;
}

static bool ft__rank_add(ft__rank *r, ft__view id) {
    uint32_t at = ft__interner_id(&r->ids, id);
    if (r->ids.failed ||
        !ft__grow(&r->arena.allocator, (void **)&r->list, &r->cap, r->n + 1, sizeof *r->list))
        return false;
    bool counts = at < r->n_seen && !r->seen[at];
    r->list[r->n++] = counts ? r->grades[at] : 0;
    if (counts) r->seen[at] = 1;
    return true;
}

static int ft__rank_descending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static void ft__rank_end_list(ft__rank *r) {
    if (r->n_grades) qsort(r->grades, r->n_grades, sizeof *r->grades, ft__rank_descending);
}

/* ---- formulas */

static double ft__rank_discount(size_t rank) { /* from 0 */
    return ft__log(2) / ft__log((double)rank + 2);
}

static double ft__rank_gain(double grade, bool exponential) {
    if (!exponential) return grade;
    if (grade >= 0 && grade < 53 && ft__floor(grade) == grade)
        return (double)(((uint64_t)1 << (unsigned)grade) - 1);
    return ft__pow(2, grade) - 1;
}

static double ft__rank_dcg(const double *grades, size_t n, size_t k, bool exponential) {
    double sum = 0;
    for (size_t i = 0; i < n && i < k; i++)
        sum += ft__rank_gain(grades[i], exponential) * ft__rank_discount(i);
    return sum;
}

static double ft__rank_ndcg(const ft__rank *r, size_t k, bool exponential) {
    double best = ft__rank_dcg(r->grades, r->n_grades, k, exponential);
    return best > 0 ? ft__rank_dcg(r->list, r->n, k, exponential) / best : 0;
}

static double ft__rank_hits(const ft__rank *r, size_t k) {
    double hits = 0;
    for (size_t i = 0; i < r->n && i < k; i++) hits += r->list[i] > 0;
    return hits;
}

/* From 1; 0: there is none. */
static size_t ft__rank_first(const ft__rank *r, size_t k) {
    for (size_t i = 0; i < r->n && i < k; i++)
        if (r->list[i] > 0) return i + 1;
    return 0;
}

static double ft__rank_reciprocal(const ft__rank *r, size_t k) {
    size_t first = ft__rank_first(r, k);
    return first ? 1 / (double)first : 0;
}

static double ft__rank_average_precision(const ft__rank *r, size_t k) {
    double hits = 0, sum = 0, most = r->relevant < (double)k ? r->relevant : (double)k;
    for (size_t i = 0; i < r->n && i < k; i++) {
        if (r->list[i] <= 0) continue;
        hits++;
        sum += hits / (double)(i + 1);
    }
    return most > 0 ? sum / most : 0;
}

static double ft__rank_precision(const ft__rank *r, size_t k) {
    return k ? ft__rank_hits(r, k) / (double)k : 0;
}

static double ft__rank_recall(const ft__rank *r, size_t k) {
    return r->relevant > 0 ? ft__rank_hits(r, k) / r->relevant : 0;
}

/* ---- metrics */

static ft_status ft__rank_read_k(const ft__metric_call *call, size_t *k) {
    double value = *k < SIZE_MAX ? (double)*k : 0;
    ft_status status = ft__metric_param(call, "k", 1, 1e9, &value);
    if (value > 0) *k = (size_t)value;
    if (!status && ft__floor(value) != value)
        return ft__fail(call->err, FT_ERR_ARGUMENT, "",
                        "%s: parameter \"k\" must be a whole number", call->name);
    return status;
}

static ft_status ft__rank_read_query(const ft__metric_call *call, const ft__json *query,
                                     ft__rank *r) {
    const ft__json *qrels = ft__json_get(query, "qrels"), *ranked = ft__json_get(query, "ranked");
    bool ok = true;
    if (!qrels || qrels->type != FT__JSON_OBJECT)
        return ft__metric_fail(call, "\"qrels\" must be an object of ids and grades");
    if (!ranked || ranked->type != FT__JSON_ARRAY)
        return ft__metric_fail(call, "\"ranked\" must be a list of ids");
    for (const ft__json *v = qrels->child; v && ok; v = v->next) {
        ft__view id = ft__json_key_view(v);
        if (v->type != FT__JSON_NUMBER)
            return ft__metric_fail(call, "a grade must be a number, found %s",
                                   ft__json_type_name(v->type));
        ok = ft__rank_add_grade(r, id, v->number);
    }
    ok = ok && ft__rank_begin_list(r);
    for (const ft__json *v = ranked->child; v && ok; v = v->next) {
        ft__view id = ft__json_as_text(v);
        if (!id.text) return ft__metric_fail(call, "\"ranked\" must be a list of ids");
        ok = ft__rank_add(r, id);
    }
    ft__rank_end_list(r);
    return ok ? FT_OK : ft__fail_memory(call->err);
}

static void ft__rank_write_query(ft__json_writer *w, const ft__rank *r, size_t k) {
    double precision = ft__rank_precision(r, k), recall = ft__rank_recall(r, k);
    double both = precision + recall;
    ft__json_begin(w, '{');
    ft__metric_number(w, "precision_at_k", precision);
    ft__metric_number(w, "recall_at_k", recall);
    ft__metric_number(w, "f1_at_k", both > 0 ? 2 * precision * recall / both : 0);
    ft__metric_number(w, "hit_at_k", ft__rank_hits(r, k) > 0);
    ft__metric_number(w, "mrr_at_k", ft__rank_reciprocal(r, k));
    ft__metric_number(w, "reciprocal_rank", ft__rank_reciprocal(r, SIZE_MAX));
    ft__metric_number(w, "ap", ft__rank_average_precision(r, SIZE_MAX));
    ft__metric_number(w, "ap_at_k", ft__rank_average_precision(r, k));
    ft__metric_number(w, "dcg_linear", ft__rank_dcg(r->list, r->n, k, false));
    ft__metric_number(w, "ndcg_linear", ft__rank_ndcg(r, k, false));
    ft__metric_number(w, "dcg_exp", ft__rank_dcg(r->list, r->n, k, true));
    ft__metric_number(w, "ndcg_exp", ft__rank_ndcg(r, k, true));
    ft__metric_number(w, "r_precision", ft__rank_precision(r, (size_t)r->relevant));
    ft__json_end(w, '}');
}

static ft_status ft__rank_query(const ft__metric_call *call) {
    ft__rank r;
    size_t k = 10;
    ft_status status = ft__rank_read_k(call, &k);
    if (status) return status;
    ft__rank_init(&r, &call->arena->allocator);
    status = ft__rank_read_query(call, call->input, &r);
    if (!status) ft__rank_write_query(call->out, &r, k);
    ft__rank_free(&r);
    return status;
}

static ft_status ft__rank_corpus(const ft__metric_call *call) {
    static const char *const names[] = {"map", "mrr", "ndcg_linear", "recall_at_k",
                                        "precision_at_k"};
    const ft__json *queries;
    double sums[5] = {0, 0, 0, 0, 0};
    size_t k = 10;
    ft_status status = ft__rank_read_k(call, &k);
    if (!status) status = ft__metric_input(call, "queries", FT__JSON_ARRAY, &queries);
    if (status) return status;
    for (const ft__json *query = queries->child; query && !status; query = query->next) {
        ft__rank r;
        ft__rank_init(&r, &call->arena->allocator);
        status = ft__rank_read_query(call, query, &r);
        sums[0] += ft__rank_average_precision(&r, SIZE_MAX);
        sums[1] += ft__rank_reciprocal(&r, SIZE_MAX);
        sums[2] += ft__rank_ndcg(&r, k, false);
        sums[3] += ft__rank_recall(&r, k);
        sums[4] += ft__rank_precision(&r, k);
        ft__rank_free(&r);
    }
    ft__json_begin(call->out, '{');
    for (int i = 0; i < 5; i++)
        ft__metric_number(call->out, names[i], sums[i] / (double)queries->count);
    ft__json_end(call->out, '}');
    return status;
}

/* ---- ndcg_tied */

typedef struct ft__rank_item {
    double score, gain;
    size_t at;
} ft__rank_item;

static int ft__rank_by_score(const void *a, const void *b) {
    const ft__rank_item *x = (const ft__rank_item *)a, *y = (const ft__rank_item *)b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static double ft__rank_tied_dcg(ft__rank_item *items, size_t n, size_t k) {
    double sum = 0;
    qsort(items, n, sizeof *items, ft__rank_by_score);
    for (size_t i = 0; i < n && i < k;) {
        size_t begin = i;
        double gain = 0, discount = 0;
        for (; i < n && items[i].score == items[begin].score; i++) {
            gain += items[i].gain;
            if (i < k) discount += ft__rank_discount(i);
        }
        sum += gain / (double)(i - begin) * discount;
    }
    return sum;
}

static ft_status ft__rank_tied(const ft__metric_call *call) {
    static const char *const gains[] = {"linear", "exp"};
    double *relevance, *scores;
    size_t n, n_scores, k = SIZE_MAX;
    int gain = 0;
    ft_status status = ft__rank_read_k(call, &k);
    if (!status) status = ft__metric_word(call, "gain", gains, FT__COUNT(gains), &gain);
    if (!status) status = ft__metric_numbers(call, "relevance", &relevance, &n);
    if (!status) status = ft__metric_numbers(call, "scores", &scores, &n_scores);
    if (status) return status;
    if (n != n_scores)
        return ft__metric_fail(call, "%zu of \"relevance\" and %zu of \"scores\" do not make pairs",
                               n, n_scores);
    ft__rank_item *items = (ft__rank_item *)ft__arena_alloc(call->arena, n, sizeof *items);
    if (!items) return ft__fail_memory(call->err);
    for (size_t i = 0; i < n; i++) {
        items[i].score = scores[i];
        items[i].gain = ft__rank_gain(relevance[i], gain == 1);
        items[i].at = i;
    }
    double dcg = ft__rank_tied_dcg(items, n, k);
    qsort(relevance, n, sizeof *relevance, ft__rank_descending);
    double best = ft__rank_dcg(relevance, n, k, gain == 1);
    ft__json_begin(call->out, '{');
    ft__metric_number(call->out, "dcg", dcg);
    ft__metric_number(call->out, "ndcg", best > 0 ? dcg / best : 0);
    ft__json_end(call->out, '}');
    return FT_OK;
}

/* ---- evaluators */

enum { FT__RANK_NDCG, FT__RANK_MRR, FT__RANK_RECALL, FT__RANK_PRECISION };

static ft_status ft__rank_prepare(ft_evaluator *e, ft_error *err) {
    double *k = (double *)ft__arena_alloc(&e->arena, 1, sizeof *k);
    if (!k) return ft__fail_memory(err);
    e->state = k;
    return ft__param_number(e, "k", 1, 1e6, true, k, err);
}

/* The grades of "expected".  False: out of memory; *score has an error if they are none. */
static bool ft__rank_read_expected(ft__rank *r, const ft_row *row, ft_score *score) {
    const ft__json *expected = ft__row_get(row, "expected"), *v;
    if (!expected) return ft__score_error(score, "row has no \"expected\"");
    if (ft__json_as_text(expected).text)
        return ft__rank_add_grade(r, ft__json_as_text(expected), 1) && ft__rank_begin_list(r);
    for (v = expected->child; v; v = v->next) {
        bool object = expected->type == FT__JSON_OBJECT;
        ft__view id = ft__json_key_view(v);
        if (!object) id = ft__json_as_text(v);
        if (object ? v->type != FT__JSON_NUMBER || v->number < 0 : !id.text)
            return ft__score_error(score,
                                   object ? "a grade must be a number of at least 0, found %s"
                                          : "an id must be a text or a number, found %s",
                                   ft__json_type_name(v->type));
        if (!ft__rank_add_grade(r, id, object ? v->number : 1)) return false;
    }
    if (!ft__rank_begin_list(r)) return false;
    if (r->relevant > 0) return true;
    return ft__score_error(score, "\"expected\" has no relevant document");
}

/* False: out of memory. */
static bool ft__rank_read_output(ft__rank *r, ft__view output) {
    ft__json *list = NULL;
    ft_error err = {FT_OK, "", ""};
    ft__view text = ft__text_strip(output);
    bool ok = true;
    if (text.n && text.text[0] == '[' &&
        ft__json_parse(text.text, text.n, "", 1, &r->arena, &list, &err) == FT_OK) {
        for (const ft__json *v = list->child; v && ok; v = v->next) {
            ft__view id = ft__json_as_text(v), nothing = {"", 0};
            ok = ft__rank_add(r, id.text ? id : nothing);
        }
        return ok;
    }
    if (err.code == FT_ERR_MEMORY) return false;
    for (const char *p = text.text, *end = p + text.n; p < end && ok;) {
        const char *stop = (const char *)memchr(p, '\n', (size_t)(end - p));
        ft__view line = {p, (size_t)((stop ? stop : end) - p)};
        line = ft__text_strip(line);
        if (line.n) ok = ft__rank_add(r, line);
        p = stop ? stop + 1 : end;
    }
    return ok;
}

static void ft__rank_give(const ft__rank *r, int which, size_t k, ft_score *score) {
    size_t first = ft__rank_first(r, SIZE_MAX);
    switch (which) {
    case FT__RANK_NDCG: score->value = ft__rank_ndcg(r, k, false); break;
    case FT__RANK_MRR: score->value = ft__rank_reciprocal(r, k); break;
    case FT__RANK_RECALL: score->value = ft__rank_recall(r, k); break;
    default: score->value = ft__rank_precision(r, k); break;
    }
    if (first)
        ft__score_detail(score,
                         "%zu of %zu relevant documents in the first %zu, the first at rank %zu",
                         (size_t)ft__rank_hits(r, k), (size_t)r->relevant, k, first);
    else ft__score_detail(score, "no relevant document among %zu", r->n);
}

static bool ft__rank_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                           ft_score *score) {
    ft__rank r;
    ft__rank_init(&r, &e->arena.allocator);
    bool ok = ft__rank_read_expected(&r, row, score);
    if (ok && score->state == FT_SCORED) {
        ok = ft__rank_read_output(&r, output);
        ft__rank_end_list(&r);
        if (ok) ft__rank_give(&r, e->kind->which, (size_t)*(const double *)e->state, score);
    }
    ft__rank_free(&r);
    return ok;
}

/* ---- rows of the registries */

#define FT__RANK_PARAMS "{\"k\": 10, \"threshold\": 0.5}"
#define FT__RANK_FORM " of the ranked ids in the output (a JSON list, or one a line)"

FT__PRIV const ft__evaluator_kind *ft__rank_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"ndcg", "nDCG at k" FT__RANK_FORM ", with the grades as gains", "expected",
          FT__RANK_PARAMS, 0, 1, true, 0.5, "ndcg|linear|v1", FT_FROM_TEXT},
         FT__RANK_NDCG, ft__rank_prepare, ft__rank_score, NULL},
        {{"mrr", "1 / rank of the first relevant document in the first k" FT__RANK_FORM, "expected",
          FT__RANK_PARAMS, 0, 1, true, 0.5, "mrr|v1", FT_FROM_TEXT},
         FT__RANK_MRR, ft__rank_prepare, ft__rank_score, NULL},
        {{"recall_at_k", "share of the relevant documents in the first k" FT__RANK_FORM, "expected",
          FT__RANK_PARAMS, 0, 1, true, 0.5, "recall_at_k|v1", FT_FROM_TEXT},
         FT__RANK_RECALL, ft__rank_prepare, ft__rank_score, NULL},
        {{"precision_at_k",
          "relevant documents in the first k" FT__RANK_FORM " over k, even if there are less",
          "expected", FT__RANK_PARAMS, 0, 1, true, 0.5, "precision_at_k|v1", FT_FROM_TEXT},
         FT__RANK_PRECISION, ft__rank_prepare, ft__rank_score, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}

FT__PRIV const ft__metric_kind *ft__rank_metrics(size_t *n) {
    static const ft__metric_kind kinds[] = {{"retrieval_query", 0, ft__rank_query},
                                            {"retrieval_corpus", 0, ft__rank_corpus},
                                            {"ndcg_tied", 0, ft__rank_tied}};
    *n = FT__COUNT(kinds);
    return kinds;
}

#undef FT__RANK_FORM
#undef FT__RANK_PARAMS
