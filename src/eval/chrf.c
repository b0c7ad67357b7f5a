/* chrF and chrF++ (M. Popovic, "chrF: character n-gram F-score for automatic MT evaluation",
   2015, and "chrF++: words helping character n-grams", 2017), with the numbers of sacreBLEU
   2.6.0.

   Character n-grams of the orders 1 to 6, white space left out; chrF++ also has words and pairs of
   words, where one punctuation mark at the end of a word, or else at its beginning, is a word by
   itself.  P and R are the means of precision and recall over the orders that both texts have, and

     score = 100 (1 + beta^2) P R / (beta^2 P + R),  beta = 2: recall counts more

   With eps_smoothing it is the mean of such F over all orders, those that a text does not have
   with a precision or recall of 1e-16.  Of several references the one with the best score counts;
   a corpus adds up the counts for the chosen ones.  Two empty texts have score 0. */
#include "eval.h"

enum { FT__CHRF_MAX_ORDER = 32 };

typedef struct ft__chrf {
    int char_order, word_order;
    double beta;
    bool lowercase, white_space, eps;
} ft__chrf;

/* Per order, characters first: n-grams in the output, in the reference, in both. */
typedef struct ft__chrf_counts {
    double output[2 * FT__CHRF_MAX_ORDER], reference[2 * FT__CHRF_MAX_ORDER],
        both[2 * FT__CHRF_MAX_ORDER];
} ft__chrf_counts;

/* The texts of a segment, the output first. */
typedef struct ft__chrf_texts {
    ft__mt_texts chars, words;
} ft__chrf_texts;

static void ft__chrf_init(ft__chrf_texts *t, const ft_allocator *a) {
    ft__mt_init(&t->chars, a);
    ft__mt_init(&t->words, a);
}

static void ft__chrf_free(ft__chrf_texts *t) {
    ft__mt_free(&t->chars);
    ft__mt_free(&t->words);
}

static void ft__chrf_add(const ft__chrf *chrf, ft__chrf_texts *t, ft__view v) {
    if (chrf->lowercase) v = ft__mt_lower(&t->chars, v);
    ft__mt_add_chars(&t->chars, v, chrf->white_space);
    if (chrf->word_order) ft__mt_add(&t->words, v, FT__MT_CHRF, false);
}

/* The score of 1. */
static double ft__chrf_score(const ft__chrf *chrf, const ft__chrf_counts *c) {
    double factor = chrf->beta * chrf->beta, precisions = 0, recalls = 0, sum = 0;
    int orders = chrf->char_order + chrf->word_order, effective = 0;
    for (int i = 0; i < orders; i++) {
        double precision = c->output[i] > 0 ? c->both[i] / c->output[i] : 1e-16;
        double recall = c->reference[i] > 0 ? c->both[i] / c->reference[i] : 1e-16;
        double weight = factor * precision + recall;
        sum += weight > 0 ? (1 + factor) * precision * recall / weight : 1e-16;
        if (c->output[i] == 0 || c->reference[i] == 0) continue;
        precisions += precision;
        recalls += recall;
        effective++;
    }
    if (chrf->eps) return sum / orders;
    if (precisions + recalls == 0) return 0;
    precisions /= effective;
    recalls /= effective;
    return (1 + factor) * precisions * recalls / (factor * precisions + recalls);
}

/* The n-grams of the output do not count at orders that the reference does not have. */
static bool ft__chrf_count(const ft__mt_texts *t, size_t reference, int max_order, int at,
                           ft__chrf_counts *c) {
    uint64_t overlap[FT__CHRF_MAX_ORDER];
    size_t n, n_ref;
    if (max_order == 0) return true;
    if (!ft__mt_ok(t) || !ft__mt_overlap(t, reference, 1, max_order, overlap)) return false;
    ft__mt_ids(t, 0, &n);
    ft__mt_ids(t, reference, &n_ref);
    for (size_t i = 0; i < (size_t)max_order; i++, at++) {
        c->reference[at] = n_ref > i ? (double)(n_ref - i) : 0;
        c->output[at] = n > i && n_ref > i ? (double)(n - i) : 0;
        c->both[at] = (double)overlap[i];
    }
    return true;
}

/* Of the reference with the best score, the first of equal ones. */
static bool ft__chrf_best(const ft__chrf *chrf, const ft__chrf_texts *t, double *best,
                          ft__chrf_counts *counts) {
    ft__chrf_counts c;
    *best = -1;
    for (size_t i = 1; i < t->chars.n; i++) {
        if (!ft__chrf_count(&t->chars, i, chrf->char_order, 0, &c) ||
            !ft__chrf_count(&t->words, i, chrf->word_order, chrf->char_order, &c))
            return false;
        double score = ft__chrf_score(chrf, &c);
        if (score > *best) *best = score, *counts = c;
    }
    return ft__mt_ok(&t->chars);
}

/* ---- evaluators */

static ft_status ft__chrf_prepare(ft_evaluator *e, ft_error *err) {
    ft__chrf *chrf = (ft__chrf *)ft__arena_alloc(&e->arena, 1, sizeof *chrf);
    double order;
    if (!chrf) return ft__fail_memory(err);
    e->state = chrf;
    chrf->word_order = e->kind->which;
    chrf->lowercase = ft__param_flag(e, "lowercase");
    chrf->white_space = ft__param_flag(e, "whitespace");
    ft_status status =
        ft__param_number(e, "char_order", 1, FT__CHRF_MAX_ORDER, true, &order, err);
    if (!status) status = ft__param_number(e, "beta", 0, 1000, false, &chrf->beta, err);
    if (!status) chrf->char_order = (int)order;
    return status;
}

static bool ft__chrf_evaluate(const ft_evaluator *e, const ft_row *row, ft__view output,
                              ft_score *score) {
    const ft__chrf *chrf = (const ft__chrf *)e->state;
    ft__answers answers;
    ft__chrf_texts t;
    ft__chrf_counts c;
    double best;
    if (!ft__answers_find(&answers, row, score)) return true;
    ft__chrf_init(&t, &e->arena.allocator);
    ft__chrf_add(chrf, &t, output);
    for (const ft__json *value; (value = ft__answers_next(&answers)) != NULL;)
        ft__chrf_add(chrf, &t, ft__json_as_text(value));
    bool ok = ft__chrf_best(chrf, &t, &best, &c);
    ft__chrf_free(&t);
    if (!ok) return false;
    score->value = best < 1 ? 100 * best : 100; /* rounding may give a little more */
    ft__score_detail(score, "%zu of %zu characters are in the reference, which has %zu",
                     (size_t)c.both[0], (size_t)c.output[0], (size_t)c.reference[0]);
    return true;
}

#define FT__CHRF_PARAMS                                                                        \
    "{\"char_order\": 6, \"beta\": 2, \"lowercase\": false, \"whitespace\": false, "           \
    "\"threshold\": 50}"
FT__PRIV const ft__evaluator_kind *ft__chrf_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"chrf", "chrF: F-score of character n-grams, as sacreBLEU computes it, 0 to 100",
          "expected", FT__CHRF_PARAMS, 0, 100, true, 50,
          "chrf|nrefs:var|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0", FT_FROM_TEXT},
         0, ft__chrf_prepare, ft__chrf_evaluate, NULL},
        {{"chrf++", "chrF++: chrF with words and pairs of words, as sacreBLEU computes it",
          "expected", FT__CHRF_PARAMS, 0, 100, true, 50,
          "chrf++|nrefs:var|case:mixed|eff:yes|nc:6|nw:2|space:no|version:2.6.0", FT_FROM_TEXT},
         2, ft__chrf_prepare, ft__chrf_evaluate, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
#undef FT__CHRF_PARAMS

/* ---- metrics */

enum { FT__CHRF_CORPUS = 1, FT__CHRF_WORDS = 2 };

static ft_status ft__chrf_params(const ft__metric_call *call, ft__chrf *chrf) {
    double chars = 6, words = call->which & FT__CHRF_WORDS ? 2 : 0;
    memset(chrf, 0, sizeof *chrf);
    chrf->beta = 2;
    ft_status status = ft__metric_param(call, "char_order", 1, FT__CHRF_MAX_ORDER, &chars);
    if (!status) status = ft__metric_param(call, "word_order", 0, FT__CHRF_MAX_ORDER, &words);
    if (!status) status = ft__metric_param(call, "beta", 0, 1000, &chrf->beta);
    if (!status) status = ft__metric_flag(call, "lowercase", &chrf->lowercase);
    if (!status) status = ft__metric_flag(call, "whitespace", &chrf->white_space);
    if (!status) status = ft__metric_flag(call, "eps_smoothing", &chrf->eps);
    chrf->char_order = (int)chars;
    chrf->word_order = (int)words;
    return status;
}

static ft_status ft__chrf_segment(const ft__chrf *chrf, const ft__mt_segments *segment,
                                  ft__chrf_counts *sum) {
    const ft_allocator *a = &segment->call->arena->allocator;
    ft__chrf_texts t;
    ft__chrf_counts c;
    double best;
    ft__chrf_init(&t, a);
    ft__chrf_add(chrf, &t, segment->output);
    for (size_t i = 0; i < segment->n_refs; i++) ft__chrf_add(chrf, &t, segment->refs[i]);
    bool ok = ft__chrf_best(chrf, &t, &best, &c);
    ft__chrf_free(&t);
    if (!ok) return ft__fail_memory(segment->call->err);
    for (int i = 0; i < chrf->char_order + chrf->word_order; i++) {
        sum->output[i] += c.output[i];
        sum->reference[i] += c.reference[i];
        sum->both[i] += c.both[i];
    }
    return FT_OK;
}

static ft_status ft__chrf_run(const ft__metric_call *call) {
    ft__chrf chrf;
    ft__chrf_counts sum;
    ft__mt_segments segments;
    memset(&sum, 0, sizeof sum);
    ft_status status = ft__chrf_params(call, &chrf);
    if (!status)
        status = ft__mt_segments_find(call, (call->which & FT__CHRF_CORPUS) != 0, &segments);
    while (!status && segments.left) {
        status = ft__mt_segments_next(&segments);
        if (!status) status = ft__chrf_segment(&chrf, &segments, &sum);
    }
    if (!status) ft__metric_number(call->out, NULL, 100 * ft__chrf_score(&chrf, &sum));
    return status;
}

FT__PRIV const ft__metric_kind *ft__chrf_metrics(size_t *n) {
    static const ft__metric_kind kinds[] = {
        {"chrf_sentence", 0, ft__chrf_run},
        {"chrfpp_sentence", FT__CHRF_WORDS, ft__chrf_run},
        {"chrf_corpus", FT__CHRF_CORPUS, ft__chrf_run},
        {"chrfpp_corpus", FT__CHRF_CORPUS | FT__CHRF_WORDS, ft__chrf_run},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
