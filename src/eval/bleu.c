/* BLEU (K. Papineni et al., "BLEU: a method for automatic evaluation of machine translation",
   2002), with the numbers of sacreBLEU 2.6.0 (M. Post, "A call for clarity in reporting BLEU
   scores", 2018).

     score = 100 bp exp(mean of log p_n),  bp = 1, or exp(1 - ref_len / sys_len) if that is shorter
     p_n = (n-grams of the output that are in a reference) / (n-grams of the output)

   An n-gram counts at most as often as the reference that has it most often; ref_len is the
   length of the reference nearest in length, the shorter one of two.  A corpus adds up counts and
   lengths.  Orders without a match are smoothed (B. Chen, C. Cherry, "A systematic comparison of
   smoothing techniques for sentence-level BLEU", 2014); with "effective order" those that a short
   output cannot have are left out of the mean.  The evaluator has effective order on, as is meant
   for sentences.

   As there, an output without any common word has score 0, and so have two empty texts.  A perfect
   match is 100 and not, as there, 100.00000000000004. */
#include "eval.h"

enum { FT__BLEU_MAX_ORDER = 32 };
typedef enum ft__bleu_smoothing {
    FT__BLEU_SMOOTH_NONE, FT__BLEU_SMOOTH_FLOOR, FT__BLEU_SMOOTH_ADD, FT__BLEU_SMOOTH_EXP
} ft__bleu_smoothing;
static const char *const ft__bleu_tokenizers[] = FT__MT_TOKENIZERS;
static const char *const ft__bleu_smoothings[] = {"none", "floor", "add-k", "exp"};

typedef struct ft__bleu {
    int tokenizer, smoothing, max_order; /* the first two: indices of the names above */
    double smooth_value;
    bool effective, lowercase;
} ft__bleu;

typedef struct ft__bleu_stats {
    double sys_len, ref_len;
    double correct[FT__BLEU_MAX_ORDER], total[FT__BLEU_MAX_ORDER];
    double precisions[FT__BLEU_MAX_ORDER]; /* of 1 */
    double bp, score;                      /* of 1 */
} ft__bleu_stats;

static double ft__bleu_default_value(int smoothing) {
    return smoothing == FT__BLEU_SMOOTH_FLOOR ? 0.1 : 1;
}

/* Adds one segment: text 0 is the output, the others are references, one at least. */
static bool ft__bleu_add(const ft__bleu *bleu, const ft__mt_texts *t, ft__bleu_stats *s) {
    uint64_t overlap[FT__BLEU_MAX_ORDER];
    size_t sys, length, nearest = 0, least = SIZE_MAX;
    if (!ft__mt_ok(t) || !ft__mt_overlap(t, 1, t->n - 1, bleu->max_order, overlap)) return false;
    ft__mt_ids(t, 0, &sys);
    for (size_t i = 1; i < t->n; i++) {
        ft__mt_ids(t, i, &length);
        size_t off = length > sys ? length - sys : sys - length;
        if (off < least || (off == least && length < nearest)) least = off, nearest = length;
    }
    s->sys_len += (double)sys;
    s->ref_len += (double)nearest;
    for (size_t i = 0; i < (size_t)bleu->max_order; i++) {
        s->correct[i] += (double)overlap[i];
        if (sys > i) s->total[i] += (double)(sys - i);
    }
    return true;
}

/* Add-k changes the counts, too: the program reports them so. */
static void ft__bleu_finish(const ft__bleu *bleu, ft__bleu_stats *s) {
    double smooth = 1, sum = 0;
    int n = 0, orders = bleu->max_order;
    s->bp = s->sys_len >= s->ref_len ? 1
            : s->sys_len > 0         ? ft__exp(1 - s->ref_len / s->sys_len)
                                     : 0;
    while (n < bleu->max_order && s->correct[n] == 0) n++;
    if (n == bleu->max_order) return;
    for (n = 0; n < bleu->max_order; n++) {
        if (bleu->smoothing == FT__BLEU_SMOOTH_ADD && n > 0) {
            s->correct[n] += bleu->smooth_value;
            s->total[n] += bleu->smooth_value;
        }
        if (s->total[n] == 0) break;
        if (bleu->effective) orders = n + 1;
        s->precisions[n] = s->correct[n] / s->total[n];
        if (s->correct[n] == 0 && bleu->smoothing == FT__BLEU_SMOOTH_EXP)
            s->precisions[n] = 1 / ((smooth *= 2) * s->total[n]);
        if (s->correct[n] == 0 && bleu->smoothing == FT__BLEU_SMOOTH_FLOOR)
            s->precisions[n] = bleu->smooth_value / s->total[n];
    }
    for (n = 0; n < orders; n++)
        sum += s->precisions[n] > 0 ? ft__log(s->precisions[n]) : -9999999999.0;
    s->score = s->bp * ft__exp(sum / orders);
}

/* ---- evaluator */

static ft_status ft__bleu_prepare(ft_evaluator *e, ft_error *err) {
    ft__bleu *bleu = (ft__bleu *)ft__arena_alloc(&e->arena, 1, sizeof *bleu);
    double order;
    if (!bleu) return ft__fail_memory(err);
    e->state = bleu;
    bleu->effective = true;
    bleu->lowercase = ft__param_flag(e, "lowercase");
    ft_status status = ft__param_choice(e, "tokenize", ft__bleu_tokenizers,
                                        FT__COUNT(ft__bleu_tokenizers), &bleu->tokenizer, err);
    if (!status)
        status = ft__param_choice(e, "smooth_method", ft__bleu_smoothings,
                                  FT__COUNT(ft__bleu_smoothings), &bleu->smoothing, err);
    if (!status)
        status = ft__param_number(e, "max_ngram_order", 1, FT__BLEU_MAX_ORDER, true, &order, err);
    if (status) return status;
    bleu->max_order = (int)order;
    bleu->smooth_value = ft__bleu_default_value(bleu->smoothing);
    return FT_OK;
}

static bool ft__bleu_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                           ft_score *score) {
    const ft__bleu *bleu = (const ft__bleu *)e->state;
    ft__answers answers;
    ft__bleu_stats stats;
    ft__mt_texts t;
    if (!ft__answers_find(&answers, row, score)) return true;
    memset(&stats, 0, sizeof stats);
    ft__mt_init(&t, &e->arena.allocator);
    ft__mt_add(&t, output, (ft__mt_tokenizer)bleu->tokenizer, bleu->lowercase);
    for (const ft__json *value; (value = ft__answers_next(&answers)) != NULL;)
        ft__mt_add(&t, ft__json_as_text(value), (ft__mt_tokenizer)bleu->tokenizer,
                   bleu->lowercase);
    bool ok = ft__bleu_add(bleu, &t, &stats);
    ft__mt_free(&t);
    if (!ok) return false;
    size_t correct = (size_t)stats.correct[0];
    ft__bleu_finish(bleu, &stats);
    score->value = 100 * stats.score;
    ft__score_detail(score, "%zu of %zu tokens are in a reference; the nearest reference has %zu",
                     correct, (size_t)stats.sys_len, (size_t)stats.ref_len);
    return true;
}

FT__PRIV const ft__evaluator_kind *ft__bleu_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"bleu", "BLEU of one sentence as sacreBLEU computes it, 0 to 100", "expected",
          "{\"tokenize\": \"13a\", \"lowercase\": false, \"smooth_method\": \"exp\", "
          "\"max_ngram_order\": 4, \"threshold\": 30}",
          0, 100, true, 30, "bleu|nrefs:var|case:mixed|eff:yes|tok:13a|smooth:exp|version:2.6.0",
          FT_FROM_TEXT},
         0, ft__bleu_prepare, ft__bleu_score, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}

/* ---- metrics */

static ft_status ft__bleu_params(const ft__metric_call *call, ft__bleu *bleu) {
    double order = 4;
    bleu->tokenizer = FT__MT_13A;
    bleu->smoothing = FT__BLEU_SMOOTH_EXP;
    bleu->effective = call->which == 0;
    bleu->lowercase = false;
    ft_status status = ft__metric_word(call, "tokenize", ft__bleu_tokenizers,
                                       FT__COUNT(ft__bleu_tokenizers), &bleu->tokenizer);
    if (!status)
        status = ft__metric_word(call, "smooth_method", ft__bleu_smoothings,
                                 FT__COUNT(ft__bleu_smoothings), &bleu->smoothing);
    bleu->smooth_value = ft__bleu_default_value(bleu->smoothing);
    if (!status) status = ft__metric_param(call, "smooth_value", 0, 1e9, &bleu->smooth_value);
    if (!status) status = ft__metric_flag(call, "effective_order", &bleu->effective);
    if (!status) status = ft__metric_flag(call, "lowercase", &bleu->lowercase);
    if (!status)
        status = ft__metric_param(call, "max_ngram_order", 1, FT__BLEU_MAX_ORDER, &order);
    bleu->max_order = (int)order;
    return status;
}

static ft_status ft__bleu_segment(const ft__bleu *bleu, const ft__mt_segments *segment,
                                  ft__bleu_stats *stats) {
    ft_status status = FT_OK;
    ft__mt_texts t;
    ft__mt_init(&t, &segment->call->arena->allocator);
    ft__mt_add(&t, segment->output, (ft__mt_tokenizer)bleu->tokenizer, bleu->lowercase);
    for (size_t i = 0; i < segment->n_refs; i++)
        ft__mt_add(&t, segment->refs[i], (ft__mt_tokenizer)bleu->tokenizer, bleu->lowercase);
    if (!ft__bleu_add(bleu, &t, stats)) status = ft__fail_memory(segment->call->err);
    ft__mt_free(&t);
    return status;
}

static void ft__bleu_write_list(ft__json_writer *w, const char *key, const double *values, int n,
                                double unit) {
    ft__json_key(w, key);
    ft__json_begin(w, '[');
    for (int i = 0; i < n; i++) ft__json_number(w, unit * values[i]);
    ft__json_end(w, ']');
}

static void ft__bleu_write(ft__json_writer *w, const ft__bleu *bleu, const ft__bleu_stats *s) {
    ft__json_begin(w, '{');
    ft__metric_number(w, "score", 100 * s->score);
    ft__bleu_write_list(w, "counts", s->correct, bleu->max_order, 1);
    ft__bleu_write_list(w, "totals", s->total, bleu->max_order, 1);
    ft__bleu_write_list(w, "precisions", s->precisions, bleu->max_order, 100);
    ft__metric_number(w, "bp", s->bp);
    ft__metric_number(w, "sys_len", s->sys_len);
    ft__metric_number(w, "ref_len", s->ref_len);
    ft__json_end(w, '}');
}

static ft_status ft__bleu_run(const ft__metric_call *call) {
    ft__bleu bleu;
    ft__bleu_stats stats;
    ft__mt_segments segments;
    memset(&stats, 0, sizeof stats);
    ft_status status = ft__bleu_params(call, &bleu);
    if (!status) status = ft__mt_segments_find(call, call->which == 1, &segments);
    while (!status && segments.left) {
        status = ft__mt_segments_next(&segments);
        if (!status) status = ft__bleu_segment(&bleu, &segments, &stats);
    }
    if (status) return status;
    ft__bleu_finish(&bleu, &stats);
    ft__bleu_write(call->out, &bleu, &stats);
    return FT_OK;
}

FT__PRIV const ft__metric_kind *ft__bleu_metrics(size_t *n) {
    static const ft__metric_kind kinds[] = {
        {"bleu_sentence", 0, ft__bleu_run},
        {"bleu_corpus", 1, ft__bleu_run},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
