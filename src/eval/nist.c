/* GLEU and NIST, and what counts n-grams for them and for ROUGE.

   GLEU (Y. Wu et al., "Google's neural machine translation system", 2016): all n-grams of the
   orders min_len to max_len in one pool; what output and reference have in common over the larger
   of the two pools.  Of several references the one with the best ratio; over a corpus sums of
   both parts.

   NIST (G. Doddington, "Automatic evaluation of machine translation quality using n-gram
   co-occurrence statistics", 2002): every n-gram counts for what it tells,
   log2(count of its first n-1 words / its count) over all references; per order the sum over common
   n-grams over the number of the output's n-grams; the orders are added up, and a short output is
   penalised.  No upper end.

   The numbers are those of NLTK 3.8.1, which takes texts as tokens.  Two of its habits: NIST weighs
   the n-grams of a single sentence by that sentence's own references, and its lengths are summed
   over all orders.  Where it would divide by zero (no output as long as n) the order counts 0.

   The evaluator splits texts itself (ft__meteor_split, case kept).  Linear in the texts. */
#include "eval.h"

/* ---- lists of numbers */

FT__PRIV void ft__tokens_init(ft__tokens *t, const ft_allocator *a) {
    memset(t, 0, sizeof *t);
    t->allocator = *a;
}

FT__PRIV void ft__tokens_free(ft__tokens *t) { ft__free(&t->allocator, t->ids); }

FT__PRIV void ft__tokens_add(ft__tokens *t, uint32_t id) {
    if (t->n == t->cap &&
        (t->failed ||
         !ft__grow(&t->allocator, (void **)&t->ids, &t->cap, t->n + 1, sizeof *t->ids))) {
        t->failed = true;
        return;
    }
    t->ids[t->n++] = id;
}

/* ---- n-grams */

FT__PRIV void ft__ngrams_init(ft__ngrams *g, const ft_allocator *a) {
    memset(g, 0, sizeof *g);
    g->allocator = *a;
}

FT__PRIV void ft__ngrams_free(ft__ngrams *g) {
    ft__free(&g->allocator, g->keys);
    ft__free(&g->allocator, g->slots);
}

FT__PRIV void ft__ngrams_clear(ft__ngrams *g) {
    if (g->n_slots) memset(g->slots, 0, g->n_slots * sizeof *g->slots);
    g->n = 0;
}

/* Where a key is, or would go.  Slots hold a number + 1; there are always twice as many as keys. */
static size_t ft__ngrams_slot(const ft__ngrams *g, uint64_t key) {
    uint64_t h = key * 0x9E3779B97F4A7C15u; /* Knuth's multiplicative hashing */
    size_t at = (size_t)(h ^ h >> 32) & (g->n_slots - 1);
    while (g->slots[at] && g->keys[g->slots[at] - 1] != key) at = (at + 1) & (g->n_slots - 1);
    return at;
}

/* Room for this many keys. */
static bool ft__ngrams_reserve(ft__ngrams *g, size_t n) {
    size_t n_slots = g->n_slots ? g->n_slots : 64;
    if (n >= UINT32_MAX || !ft__grow(&g->allocator, (void **)&g->keys, &g->cap, n, sizeof *g->keys))
        return false;
    while (n_slots < 2 * n) n_slots *= 2;
    if (n_slots == g->n_slots) return true;
    uint32_t *slots = (uint32_t *)ft__alloc_zero(&g->allocator, n_slots, sizeof *slots);
    if (!slots) return false;
    ft__free(&g->allocator, g->slots);
    g->slots = slots;
    g->n_slots = n_slots;
    for (size_t i = 0; i < g->n; i++) g->slots[ft__ngrams_slot(g, g->keys[i])] = (uint32_t)i + 1;
    return true;
}

FT__PRIV void ft__ngrams_extend(ft__ngrams *g, uint32_t *ids, const uint32_t *tokens,
                                size_t n_tokens, size_t order) {
    size_t n = n_tokens >= order ? n_tokens - order + 1 : 0;
    if (g->failed || !ft__ngrams_reserve(g, g->n + n)) {
        g->failed = true;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t key = (uint64_t)ids[i] << 32 | tokens[i + order - 1];
        size_t at = ft__ngrams_slot(g, key);
        if (!g->slots[at]) {
            g->keys[g->n] = key;
            g->slots[at] = (uint32_t)++g->n;
        }
        ids[i] = g->slots[at] - 1;
    }
}

FT__PRIV size_t ft__ngrams_common(const uint32_t *x, size_t n_x, const uint32_t *y, size_t n_y,
                                  uint32_t *counts) {
    size_t common = 0;
    for (size_t i = 0; i < n_y; i++) counts[y[i]]++;
    for (size_t i = 0; i < n_x; i++)
        if (counts[x[i]]) counts[x[i]]--, common++;
    for (size_t i = 0; i < n_y; i++) counts[y[i]] = 0;
    return common;
}

/* ---- texts */

typedef struct ft__nist_text {
    const uint32_t *tokens;
    uint32_t *grams; /* (n), of the order at hand */
    size_t n;
} ft__nist_text;

/* An output and what to compare it with. */
typedef struct ft__nist_segment {
    ft__nist_text output, *references;
    size_t n_references;
} ft__nist_segment;

static size_t ft__nist_count(const ft__nist_text *t, size_t order) {
    return t->n >= order ? t->n - order + 1 : 0;
}

/* From order - 1 to this order. */
static void ft__nist_extend(ft__ngrams *g, const ft__nist_text *t, size_t order) {
    if (order > 1) ft__ngrams_extend(g, t->grams, t->tokens, t->n, order);
    else if (t->n) memcpy(t->grams, t->tokens, t->n * sizeof *t->grams);
}

/* ---- GLEU */

/* The shares of the reference with the best ratio, the first of equals.  counts has room for the
   numbers of all tokens, and of all n-grams of the output and one reference. */
static void ft__nist_gleu(const ft__nist_segment *s, size_t min, size_t max, ft__ngrams *g,
                          uint32_t *counts, double *common, double *all) {
    *common = *all = 0;
    for (size_t r = 0; r < s->n_references; r++) {
        const ft__nist_text *x = &s->output, *y = &s->references[r];
        size_t same = 0, n_x = 0, n_y = 0;
        for (size_t order = 1; order <= max && order <= (x->n > y->n ? x->n : y->n); order++) {
            size_t k_x = ft__nist_count(x, order), k_y = ft__nist_count(y, order);
            ft__ngrams_clear(g);
            ft__nist_extend(g, x, order);
            ft__nist_extend(g, y, order);
            if (g->failed) return;
            if (order < min) continue;
            same += ft__ngrams_common(x->grams, k_x, y->grams, k_y, counts);
            n_x += k_x;
            n_y += k_y;
        }
        double larger = (double)(n_x > n_y ? n_x : n_y);
        if (larger > 0 && (*all == 0 || (double)same / larger > *common / *all)) {
            *common = (double)same;
            *all = larger;
        }
    }
}

/* ---- metrics: reading */

typedef struct ft__nist {
    const ft__metric_call *call;
    ft__interner words;
    ft__ngrams grams;
    ft__nist_segment *segments;
    size_t n;
} ft__nist;

static ft_status ft__nist_read_text(ft__nist *v, const ft__json *list, const char *what,
                                    ft__nist_text *text) {
    ft__view *words;
    ft_status status = ft__metric_read_texts(v->call, list, what, &words, &text->n);
    if (status) return status;
    uint32_t *tokens = (uint32_t *)ft__arena_alloc(v->call->arena, text->n, sizeof *tokens);
    text->grams = (uint32_t *)ft__arena_alloc(v->call->arena, text->n, sizeof *text->grams);
    text->tokens = tokens;
    if (!tokens || !text->grams) return ft__fail_memory(v->call->err);
    for (size_t i = 0; i < text->n; i++) tokens[i] = ft__interner_id(&v->words, words[i]);
    return v->words.failed ? ft__fail_memory(v->call->err) : FT_OK;
}

static ft_status ft__nist_read_segment(ft__nist *v, const ft__json *output,
                                       const ft__json *references) {
    ft__nist_segment *s = &v->segments[v->n++];
    ft_status status = ft__nist_read_text(v, output, "a prediction", &s->output);
    if (status) return status;
    if (references->type != FT__JSON_ARRAY)
        return ft__metric_fail(v->call, "references must be a list of lists of texts");
    s->references = (ft__nist_text *)ft__arena_alloc(v->call->arena, references->count,
                                                     sizeof *s->references);
    if (!s->references) return ft__fail_memory(v->call->err);
    for (const ft__json *r = references->child; r && !status; r = r->next)
        status = ft__nist_read_text(v, r, "a reference", &s->references[s->n_references++]);
    return status;
}

/* One segment, or lists of them. */
static ft_status ft__nist_read(ft__nist *v, bool corpus) {
    const ft__json *outputs, *references, *output, *reference;
    ft_status status = ft__metric_input(
        v->call, corpus ? "predictions_tokens" : "prediction_tokens", FT__JSON_ARRAY, &outputs);
    if (!status)
        status = ft__metric_input(v->call, "references_tokens", FT__JSON_ARRAY, &references);
    if (status) return status;
    size_t n = corpus ? outputs->count : 1;
    v->segments =
        (ft__nist_segment *)ft__arena_alloc(v->call->arena, n, sizeof *v->segments);
    if (!v->segments) return ft__fail_memory(v->call->err);
    if (!corpus) return ft__nist_read_segment(v, outputs, references);
    if (outputs->count != references->count)
        return ft__metric_fail(v->call, "%zu predictions, but references for %zu", outputs->count,
                               references->count);
    for (output = outputs->child, reference = references->child; output && !status;
         output = output->next, reference = reference->next)
        status = ft__nist_read_segment(v, output, reference);
    return status;
}

static ft_status ft__nist_order_param(const ft__metric_call *call, const char *name,
                                      size_t *order) {
    double value = (double)*order;
    ft_status status = ft__metric_param(call, name, 1, 100, &value);
    if (status) return status;
    if (ft__floor(value) != value)
        return ft__fail(call->err, FT_ERR_ARGUMENT, "",
                        "%s: parameter \"%s\" must be a whole number", call->name, name);
    *order = (size_t)value;
    return FT_OK;
}

/* Numbers for a count each: tokens have numbers below words.n, n-grams of any order in any number
   of the texts below the number of their tokens. */
static uint32_t *ft__nist_counts(const ft__nist *v) {
    size_t total = v->words.n;
    for (size_t i = 0; i < v->n; i++) {
        const ft__nist_segment *s = &v->segments[i];
        total += s->output.n;
        for (size_t r = 0; r < s->n_references; r++) total += s->references[r].n;
    }
    return (uint32_t *)ft__arena_alloc(v->call->arena, total, sizeof(uint32_t));
}

/* ---- metrics: GLEU */

static ft_status ft__nist_run_gleu(ft__nist *v) {
    size_t min = 1, max = 4;
    double common = 0, all = 0;
    ft_status status = ft__nist_order_param(v->call, "min_len", &min);
    if (!status) status = ft__nist_order_param(v->call, "max_len", &max);
    if (status) return status;
    uint32_t *counts = ft__nist_counts(v);
    for (size_t i = 0; counts && i < v->n; i++) {
        double c, a;
        ft__nist_gleu(&v->segments[i], min, max, &v->grams, counts, &c, &a);
        common += c;
        all += a;
    }
    ft__json_number(v->call->out, all > 0 ? common / all : 0);
    return FT_OK;
}

/* ---- metrics: NIST */

/* Counts of the references' n-grams of this order and of the one before it. */
typedef struct ft__nist_weights {
    size_t order;
    const uint32_t *counts, *shorter;
    double n_words; /* of all references */
    const ft__ngrams *grams;
} ft__nist_weights;

static double ft__nist_weight(const ft__nist_weights *w, uint32_t gram) {
    double begin = w->order == 1 ? w->n_words : (double)w->shorter[w->grams->keys[gram] >> 32];
    return ft__log(begin / (double)w->counts[gram]) / ft__log(2);
}

/* What the output's n-grams in the reference tell, summed in the order in which they come up first,
   so that references of the same merit get the same sum.  x and y are all 0 before and after. */
static double ft__nist_information(const ft__nist_text *output, const ft__nist_text *reference,
                                   const ft__nist_weights *w, uint32_t *x, uint32_t *y) {
    size_t n_x = ft__nist_count(output, w->order), n_y = ft__nist_count(reference, w->order);
    double sum = 0;
    for (size_t i = 0; i < n_x; i++) x[output->grams[i]]++;
    for (size_t i = 0; i < n_y; i++) y[reference->grams[i]]++;
    for (size_t i = 0; i < n_x; i++) {
        uint32_t gram = output->grams[i], common = x[gram] < y[gram] ? x[gram] : y[gram];
        if (common) sum += ft__nist_weight(w, gram) * (double)common;
        x[gram] = 0;
    }
    for (size_t i = 0; i < n_y; i++) y[reference->grams[i]] = 0;
    return sum;
}

/* The best reference of a segment; of equally good ones the longest. */
static double ft__nist_best(const ft__nist_segment *s, const ft__nist_weights *w, uint32_t *x,
                            uint32_t *y, size_t *reference_len) {
    double best = 0;
    *reference_len = 0;
    for (size_t r = 0; r < s->n_references; r++) {
        const ft__nist_text *reference = &s->references[r];
        double sum = ft__nist_information(&s->output, reference, w, x, y);
        if (r && (sum < best || (sum == best && reference->n <= *reference_len))) continue;
        best = sum;
        *reference_len = reference->n;
    }
    return best;
}

/* 1 for an output as long as the reference or longer, 0.5 at two thirds of its length. */
static double ft__nist_length_penalty(double output, double reference) {
    if (output <= 0 || reference <= 0) return 0;
    if (output >= reference) return 1;
    double log_ratio = ft__log(output / reference), log_base = ft__log(1.5);
    return ft__exp(ft__log(0.5) / (log_base * log_base) * (log_ratio * log_ratio));
}

/* All texts go to this order; counts is filled with those of the references. */
static double ft__nist_count_references(ft__nist *v, size_t order, uint32_t *counts) {
    double n_words = 0;
    ft__ngrams_clear(&v->grams);
    for (size_t i = 0; i < v->n; i++) {
        const ft__nist_segment *s = &v->segments[i];
        ft__nist_extend(&v->grams, &s->output, order);
        for (size_t r = 0; r < s->n_references; r++) {
            const ft__nist_text *t = &s->references[r];
            ft__nist_extend(&v->grams, t, order);
            for (size_t k = 0; k < ft__nist_count(t, order); k++) counts[t->grams[k]]++;
            n_words += (double)t->n;
        }
    }
    return n_words;
}

static ft_status ft__nist_run_nist(ft__nist *v) {
    size_t max = 5;
    double score = 0, output_len = 0, reference_len = 0;
    ft_status status = ft__nist_order_param(v->call, "n", &max);
    if (status) return status;
    uint32_t *x = ft__nist_counts(v), *y = ft__nist_counts(v), *shorter = NULL;
    for (size_t order = 1; order <= max; order++) {
        uint32_t *counts = ft__nist_counts(v);
        ft__nist_weights w;
        double sum = 0, total = 0;
        if (!counts || !x || !y) return ft__fail_memory(v->call->err);
        w.n_words = ft__nist_count_references(v, order, counts);
        w.order = order;
        w.counts = counts;
        w.shorter = shorter;
        w.grams = &v->grams;
        for (size_t i = 0; i < v->n && !v->grams.failed; i++) {
            const ft__nist_segment *s = &v->segments[i];
            size_t length;
            sum += ft__nist_best(s, &w, x, y, &length);
            total += (double)ft__nist_count(&s->output, order);
            output_len += (double)s->output.n;
            reference_len += (double)length;
        }
        if (total > 0) score += sum / total;
        shorter = counts;
    }
    ft__json_number(v->call->out, score * ft__nist_length_penalty(output_len, reference_len));
    return FT_OK;
}

enum { FT__NIST_CORPUS = 1, FT__NIST_NIST = 2 };

static ft_status ft__nist_metric(const ft__metric_call *call) {
    ft__nist v;
    memset(&v, 0, sizeof v);
    v.call = call;
    ft__interner_init(&v.words, &call->arena->allocator);
    ft__ngrams_init(&v.grams, &call->arena->allocator);
    ft_status status = ft__nist_read(&v, (call->which & FT__NIST_CORPUS) != 0);
    if (!status)
        status = call->which & FT__NIST_NIST ? ft__nist_run_nist(&v) : ft__nist_run_gleu(&v);
    if (v.grams.failed) status = ft__fail_memory(call->err);
    ft__ngrams_free(&v.grams);
    ft__interner_free(&v.words);
    return status;
}

/* ---- evaluator gleu */

/* The tokens of a text, and room for its n-grams.  False: out of memory. */
static bool ft__nist_split(ft__view v, ft__interner *words, ft__arena *arena, ft__tokens *tokens,
                           ft__nist_text *text) {
    tokens->n = 0;
    ft__meteor_split(v, false, words, arena, tokens);
    text->tokens = tokens->ids;
    text->n = tokens->n;
    text->grams = (uint32_t *)ft__arena_alloc(arena, tokens->n, sizeof *text->grams);
    return text->grams && !tokens->failed && !words->failed;
}

/* One reference's score; two texts without tokens are equal. */
static bool ft__nist_score_one(ft__nist_segment *s, ft__interner *words, ft__ngrams *g,
                               ft__arena *arena, ft_score *score, bool first) {
    double common = 0, all = 0;
    size_t n = words->n + s->output.n + s->references->n;
    uint32_t *counts = (uint32_t *)ft__arena_alloc(arena, n, sizeof *counts);
    if (!counts) return false;
    ft__nist_gleu(s, 1, 4, g, counts, &common, &all);
    double value = all > 0 ? common / all : 1;
    if (first || value > score->value) {
        score->value = value;
        ft__score_detail(score, "%zu of %zu n-grams in common", (size_t)common, (size_t)all);
    }
    return !g->failed;
}

static bool ft__nist_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                           ft_score *score) {
    const ft_allocator *a = &e->arena.allocator;
    ft__answers answers;
    ft__interner words;
    ft__ngrams grams;
    ft__arena arena;
    ft__tokens out, reference;
    ft__nist_text reference_text;
    ft__nist_segment s;
    bool first = true;
    if (!ft__answers_find(&answers, row, score)) return true;
    ft__interner_init(&words, a);
    ft__ngrams_init(&grams, a);
    ft__arena_init(&arena, a);
    ft__tokens_init(&out, a);
    ft__tokens_init(&reference, a);
    s.references = &reference_text;
    s.n_references = 1;
    bool ok = ft__nist_split(output, &words, &arena, &out, &s.output);
    for (const ft__json *value; ok && (value = ft__answers_next(&answers)) != NULL; first = false)
        ok = ft__nist_split(ft__json_as_text(value), &words, &arena, &reference, &reference_text) &&
             ft__nist_score_one(&s, &words, &grams, &arena, score, first);
    ft__tokens_free(&reference);
    ft__tokens_free(&out);
    ft__arena_free(&arena);
    ft__ngrams_free(&grams);
    ft__interner_free(&words);
    return ok;
}

/* ---- rows of the registries */

FT__PRIV const ft__evaluator_kind *ft__nist_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"gleu",
          "n-grams of 1 to 4 words and punctuation marks in common with the expected text, over "
          "those of the longer one (Google's GLEU)",
          "expected", "{\"threshold\": 0.5}",
          0, 1, true, 0.5, "gleu|nltk-3.8.1 1-4 words-and-marks|v1", FT_FROM_TEXT},
         0, NULL, ft__nist_score, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}

FT__PRIV const ft__metric_kind *ft__nist_metrics(size_t *n) {
    static const ft__metric_kind kinds[] = {
        {"gleu_sentence", 0, ft__nist_metric},
        {"gleu_corpus", FT__NIST_CORPUS, ft__nist_metric},
        {"nist_sentence", FT__NIST_NIST, ft__nist_metric},
        {"nist_corpus", FT__NIST_NIST | FT__NIST_CORPUS, ft__nist_metric},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
