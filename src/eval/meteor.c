/* METEOR: A. Lavie, A. Agarwal, "METEOR: an automatic metric for MT evaluation with high levels of
   correlation with human judgments", 2007; the numbers are those of NLTK 3.8.1 without its
   synonyms.

   Tokens are matched one to one, in stages: equal ones, then what is left over by stem (Porter, see
   porter.c).  With m matches P = m/output, R = m/reference, F = P R / (alpha P + (1 - alpha) R);
   matches that follow each other on both sides are a chunk, and the score is
   F (1 - gamma (chunks/m)^beta); 0 without a match; of several references the best.

   NLTK does not look for the alignment with the fewest chunks, as the paper asks: from the last
   token of the output to the first, each takes the last reference token that is still free.  So do
   we, with a list of positions for every word, which makes it linear.

   By the formula a text is not worth 1 even to itself, since it is one chunk of m.  The metric
   keeps that; the evaluator gives 1 to an output whose tokens are those of a reference, in order.

   The evaluator's tokens are those of ft__meteor_split in lower case.  Known limits: stems are
   those of English; a language without blanks between its words gives few and long tokens. */
#include "eval.h"

/* ---- words and punctuation marks */

static bool ft__meteor_is_blank(char c) { return c == ' ' || c == '\n'; }

/* As ft__lower, quick where it is ASCII.  A final sigma depends on its neighbours, but never on
   those beyond a blank: so the slow way goes from blank to blank. */
static void ft__meteor_lower(ft__view v, ft__buf *out) {
    for (const char *p = v.text, *end = p + v.n; p < end;) {
        const char *stop = p;
        size_t start = out->len;
        while (stop < end && !((uint8_t)*stop & 0x80)) stop++;
        while (stop < end && stop > p && !ft__meteor_is_blank(stop[-1])) stop--;
        ft__buf_add(out, p, (size_t)(stop - p));
        for (size_t i = start; i < out->len; i++)
            if (out->data[i] >= 'A' && out->data[i] <= 'Z') out->data[i] |= 0x20;
        for (p = stop; stop < end && !ft__meteor_is_blank(*stop);) stop++;
        if (stop > p) ft__lower(p, (size_t)(stop - p), out);
        p = stop;
    }
}

static bool ft__meteor_is_ascii_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The end of the word that begins at p; p if there is none. */
static const char *ft__meteor_word_end(const char *p, const char *end) {
    for (;;) {
        while (p < end && ft__meteor_is_ascii_word(*p)) p++;
        if (p == end || !((uint8_t)*p & 0x80)) return p;
        const char *q = p;
        uint32_t c = ft__utf8_next(&q, end);
        if (!ft__is_word(c) && ft__char_class_of(c) != FT__UNICODE_M) return p;
        p = q;
    }
}

FT__PRIV void ft__meteor_split(ft__view text, bool fold, ft__interner *words, ft__arena *low,
                               ft__tokens *out) {
    if (fold) {
        ft__buf b;
        ft__buf_init(&b, &low->allocator);
        ft__meteor_lower(text, &b);
        text = ft__buf_keep(&b, low);
        ft__buf_free(&b);
        if (!text.text) {
            out->failed = true;
            return;
        }
    }
    for (const char *p = text.text, *end = p + text.n; p < end && !out->failed;) {
        ft__view token = {p, 0};
        p = ft__meteor_word_end(p, end);
        if (p == token.text && ft__is_space(ft__utf8_next(&p, end))) continue;
        token.n = (size_t)(p - token.text);
        ft__tokens_add(out, ft__interner_id(words, token));
    }
}

/* ---- matching */

typedef struct ft__meteor_options {
    double alpha, beta, gamma;
    bool exact, stem;
} ft__meteor_options;

typedef struct ft__meteor {
    ft__arena arena; /* texts, and what lives as long as this */
    ft__interner words, stems;
    uint32_t *stem_of; /* (n_stem_of) by word: its stem's number + 1; 0 where nobody asked */
    size_t n_stem_of;
} ft__meteor;

/* Of the reference with the best score so far. */
typedef struct ft__meteor_result {
    double score;
    size_t matches, chunks;
    uint32_t *match; /* (output) the position in the reference + 1, or 0 */
} ft__meteor_result;

static void ft__meteor_init(ft__meteor *m, const ft_allocator *a) {
    memset(m, 0, sizeof *m);
    ft__arena_init(&m->arena, a);
    ft__interner_init(&m->words, a);
    ft__interner_init(&m->stems, a);
}

static void ft__meteor_free(ft__meteor *m) {
    ft__interner_free(&m->stems);
    ft__interner_free(&m->words);
    ft__arena_free(&m->arena);
}

/* The number of a word's stem; 0 as well as m->stems.failed without memory. */
static uint32_t ft__meteor_stem(ft__meteor *m, uint32_t word) {
    if (m->stem_of[word]) return m->stem_of[word] - 1;
    ft__buf stem;
    ft__buf_init(&stem, &m->arena.allocator);
    ft__porter_stem(m->words.texts[word], FT__PORTER_NLTK, &stem);
    ft__view v = ft__buf_keep(&stem, &m->arena);
    if (v.text) m->stem_of[word] = ft__interner_id(&m->stems, v) + 1;
    else m->stems.failed = true;
    ft__buf_free(&stem);
    return m->stems.failed ? 0 : m->stem_of[word] - 1;
}

/* One stage: tokens of the same number, that of their stems if `stem`.  last and before make the
   lists of positions (+ 1): the last one of a number, and the one before a position. */
static void ft__meteor_stage(ft__meteor *m, bool stem, const ft__tokens *output,
                             const ft__tokens *reference, uint32_t *match, uint8_t *taken,
                             uint32_t *last, uint32_t *before) {
    for (size_t j = 0; j < reference->n; j++) {
        if (taken[j]) continue;
        uint32_t id = stem ? ft__meteor_stem(m, reference->ids[j]) : reference->ids[j];
        before[j] = last[id];
        last[id] = (uint32_t)j + 1;
    }
    for (size_t i = output->n; i-- > 0;) {
        if (match[i]) continue;
        uint32_t id = stem ? ft__meteor_stem(m, output->ids[i]) : output->ids[i];
        if (!last[id]) continue;
        match[i] = last[id];
        taken[match[i] - 1] = 1;
        last[id] = before[match[i] - 1];
    }
}

static void ft__meteor_count(ft__meteor_result *r, size_t n_output, size_t n_reference,
                             const ft__meteor_options *options) {
    size_t at = 0;
    r->score = 0;
    r->matches = r->chunks = 0;
    for (size_t i = 0; i < n_output; i++) {
        if (!r->match[i]) continue;
        r->chunks += !r->matches || i != at + 1 || r->match[i] != r->match[at] + 1;
        r->matches++;
        at = i;
    }
    if (!r->matches) return;
    double precision = (double)r->matches / (double)n_output;
    double recall = (double)r->matches / (double)n_reference;
    double f = precision * recall / (options->alpha * precision + (1 - options->alpha) * recall);
    double fragments = (double)r->chunks / (double)r->matches;
    r->score = (1 - options->gamma * ft__pow(fragments, options->beta)) * f;
}

/* Aligns and scores.  False: out of memory. */
static bool ft__meteor_align(ft__meteor *m, const ft__meteor_options *options,
                             const ft__tokens *output, const ft__tokens *reference,
                             ft__meteor_result *r) {
    ft__arena scratch;
    ft__arena_init(&scratch, &m->arena.allocator);
    size_t n_words = m->words.n;
    uint32_t *last = (uint32_t *)ft__arena_alloc(&scratch, 2 * n_words, sizeof *last);
    uint32_t *before = (uint32_t *)ft__arena_alloc(&scratch, reference->n, sizeof *before);
    uint8_t *taken = (uint8_t *)ft__arena_alloc(&scratch, reference->n, sizeof *taken);
    r->match = (uint32_t *)ft__arena_alloc(&m->arena, output->n, sizeof *r->match);
    if (m->n_stem_of < n_words) {
        uint32_t *known = m->stem_of;
        m->stem_of = (uint32_t *)ft__arena_alloc(&m->arena, n_words, sizeof *m->stem_of);
        if (known && m->stem_of) memcpy(m->stem_of, known, m->n_stem_of * sizeof *known);
        m->n_stem_of = n_words;
    }
    bool ok = last && before && taken && r->match && (m->stem_of || !n_words);
    if (ok && options->exact)
        ft__meteor_stage(m, false, output, reference, r->match, taken, last, before);
    /* What is left in the lists must not be seen again; stems are no more than words. */
    if (ok && options->stem)
        ft__meteor_stage(m, true, output, reference, r->match, taken, last + n_words, before);
    if (ok) ft__meteor_count(r, output->n, reference->n, options);
    ft__arena_free(&scratch);
    return ok && !m->stems.failed;
}

/* ---- metric */

/* NLTK's stages; they run in its order, whatever order they are given in. */
static ft_status ft__meteor_read_options(const ft__metric_call *call, ft__meteor_options *options,
                                         bool *fold) {
    const ft__json *stages = ft__json_get(call->params, "stages");
    options->alpha = 0.9;
    options->beta = 3;
    options->gamma = 0.5;
    *fold = options->exact = options->stem = true;
    ft_status status = ft__metric_param(call, "alpha", 0, 1, &options->alpha);
    if (!status) status = ft__metric_param(call, "beta", 0, 100, &options->beta);
    if (!status) status = ft__metric_param(call, "gamma", 0, 1, &options->gamma);
    if (!status) status = ft__metric_flag(call, "lowercase", fold);
    if (status || !stages || stages->type == FT__JSON_NULL) return status;
    options->exact = options->stem = false;
    ft__view *names;
    size_t n;
    status = ft__metric_read_texts(call, stages, "stages", &names, &n);
    for (size_t i = 0; i < n && !status; i++) {
        if (ft__text_is(names[i], "exact")) options->exact = true;
        else if (ft__text_is(names[i], "porter_stem")) options->stem = true;
        else
            status = ft__fail(call->err, FT_ERR_ARGUMENT, "",
                              "%s: the stages are \"exact\" and \"porter_stem\"", call->name);
    }
    return status;
}

/* A list of tokens as numbers; `fold`: of their lower case. */
static ft_status ft__meteor_read_tokens(const ft__metric_call *call, ft__meteor *m,
                                        const ft__json *list, bool fold, ft__tokens *tokens) {
    ft__view *words;
    ft__buf low;
    size_t n;
    ft_status status = ft__metric_read_texts(call, list, "a text", &words, &n);
    if (status) return status;
    ft__buf_init(&low, &m->arena.allocator);
    tokens->n = 0;
    for (size_t i = 0; i < n && !tokens->failed; i++) {
        ft__view word = words[i];
        if (fold) {
            low.len = 0;
            ft__meteor_lower(word, &low);
            word = ft__buf_keep(&low, &m->arena);
        }
        if (word.text) ft__tokens_add(tokens, ft__interner_id(&m->words, word));
        else tokens->failed = true;
    }
    ft__buf_free(&low);
    return tokens->failed || m->words.failed ? ft__fail_memory(call->err) : FT_OK;
}

static void ft__meteor_write(ft__json_writer *w, const ft__meteor_result *r, size_t n_output) {
    ft__json_begin(w, '{');
    ft__metric_number(w, "score", r->score);
    ft__metric_number(w, "matches", (double)r->matches);
    ft__metric_number(w, "chunks", (double)r->chunks);
    ft__json_key(w, "alignment");
    ft__json_begin(w, '[');
    for (size_t i = 0; r->match && i < n_output; i++) {
        if (!r->match[i]) continue;
        ft__json_begin(w, '[');
        ft__json_number(w, (double)i);
        ft__json_number(w, (double)(r->match[i] - 1));
        ft__json_end(w, ']');
    }
    ft__json_end(w, ']');
    ft__json_end(w, '}');
}

static ft_status ft__meteor_metric(const ft__metric_call *call) {
    ft__meteor m;
    ft__meteor_options options;
    ft__meteor_result best, r;
    ft__tokens output, reference;
    const ft__json *prediction, *references;
    bool fold;
    ft_status status = ft__meteor_read_options(call, &options, &fold);
    if (!status) status = ft__metric_input(call, "prediction_tokens", FT__JSON_ARRAY, &prediction);
    if (!status) status = ft__metric_input(call, "references_tokens", FT__JSON_ARRAY, &references);
    if (status) return status;
    memset(&best, 0, sizeof best);
    ft__meteor_init(&m, &call->arena->allocator);
    ft__tokens_init(&output, &call->arena->allocator);
    ft__tokens_init(&reference, &call->arena->allocator);
    status = ft__meteor_read_tokens(call, &m, prediction, fold, &output);
    for (const ft__json *list = references->child; list && !status; list = list->next) {
        status = ft__meteor_read_tokens(call, &m, list, fold, &reference);
        if (status) break;
        if (!ft__meteor_align(&m, &options, &output, &reference, &r))
            status = ft__fail_memory(call->err);
        else if (!best.match || r.score > best.score) best = r;
    }
    if (!status) ft__meteor_write(call->out, &best, output.n);
    ft__tokens_free(&reference);
    ft__tokens_free(&output);
    ft__meteor_free(&m);
    return status;
}

/* ---- evaluator */

static ft_status ft__meteor_prepare(ft_evaluator *e, ft_error *err) {
    ft__meteor_options *o = (ft__meteor_options *)ft__arena_alloc(&e->arena, 1, sizeof *o);
    if (!o) return ft__fail_memory(err);
    e->state = o;
    o->exact = o->stem = true;
    ft_status status = ft__param_number(e, "alpha", 0, 1, false, &o->alpha, err);
    if (!status) status = ft__param_number(e, "beta", 0, 100, false, &o->beta, err);
    if (!status) status = ft__param_number(e, "gamma", 0, 1, false, &o->gamma, err);
    return status;
}

static bool ft__meteor_same(const ft__tokens *x, const ft__tokens *y) {
    return x->n == y->n && (x->n == 0 || memcmp(x->ids, y->ids, x->n * sizeof *x->ids) == 0);
}

/* One reference; keeps the best score.  False: out of memory. */
static bool ft__meteor_score_one(const ft_evaluator *e, ft__meteor *m, const ft__tokens *output,
                                 const ft__tokens *reference, ft_score *score) {
    ft__meteor_result r;
    if (ft__meteor_same(output, reference)) {
        score->value = 1;
        ft__score_detail(score, "the same words");
        return true;
    }
    if (!ft__meteor_align(m, (const ft__meteor_options *)e->state, output, reference, &r))
        return false;
    double value = r.score < 1 ? r.score : 1; /* F may be rounded up */
    if (value > score->value || !score->detail[0]) {
        score->value = value;
        ft__score_detail(score,
                         "%zu matches in %zu chunks, of %zu words in the output and %zu expected",
                         r.matches, r.chunks, output->n, reference->n);
    }
    return true;
}

static bool ft__meteor_score(const ft_evaluator *e, const ft_row *row, ft__view output_text,
                             ft_score *score) {
    const ft_allocator *a = &e->arena.allocator;
    ft__answers answers;
    ft__meteor m;
    ft__tokens output, reference;
    if (!ft__answers_find(&answers, row, score)) return true;
    ft__meteor_init(&m, a);
    ft__tokens_init(&output, a);
    ft__tokens_init(&reference, a);
    ft__meteor_split(output_text, true, &m.words, &m.arena, &output);
    bool ok = !output.failed && !m.words.failed;
    for (const ft__json *value; ok && (value = ft__answers_next(&answers)) != NULL;) {
        reference.n = 0;
        ft__meteor_split(ft__json_as_text(value), true, &m.words, &m.arena, &reference);
        ok = !reference.failed && !m.words.failed &&
             ft__meteor_score_one(e, &m, &output, &reference, score);
    }
    ft__tokens_free(&reference);
    ft__tokens_free(&output);
    ft__meteor_free(&m);
    return ok;
}

/* ---- rows of the registries */

FT__PRIV const ft__evaluator_kind *ft__meteor_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"meteor",
          "words in common with the expected text, by form or stem, and in the same order (METEOR "
          "without synonyms; the same words are worth 1)",
          "expected", "{\"alpha\": 0.9, \"beta\": 3, \"gamma\": 0.5, \"threshold\": 0.5}",
          0, 1, true, 0.5, "meteor|nltk-3.8.1 exact+porter words-and-marks|v1", FT_FROM_TEXT},
         0, ft__meteor_prepare, ft__meteor_score, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}

FT__PRIV const ft__metric_kind *ft__meteor_metrics(size_t *n) {
    static const ft__metric_kind kinds[] = {{"meteor", 0, ft__meteor_metric}};
    *n = FT__COUNT(kinds);
    return kinds;
}
