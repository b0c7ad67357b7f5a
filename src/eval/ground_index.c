/* Evidence: the passages of a context as sentences, and for each class of words the sentences that
   have it. The index is made once all texts of an evaluation are read, and takes linear time; a
   question is answered by bisection. */
#include "ground.h"

static int ft__ground_compare_same(const void *x, const void *y) {
    const ft__ground_same *a = (const ft__ground_same *)x, *b = (const ft__ground_same *)y;
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    return a->sentence < b->sentence ? -1 : a->sentence > b->sentence;
}

FT__PRIV void ft__ground_free(ft__ground *g) {
    const ft_allocator *a = &g->text.words->arena.allocator;
    ft__free(a, g->starts);
    ft__free(a, g->posts);
    ft__free(a, g->same);
    ft__free(a, g->passages);
    ft__free(a, g->masks);
    ft__free(a, g->bits);
    ft__free(a, g->touched);
    ft__facts_free(&g->text);
}

/* Counts the class for this sentence, or writes it. */
static void ft__ground_post(ft__ground *g, size_t *last, uint32_t class_id, size_t sentence,
                            bool write) {
    if (class_id == FT__FACTS_NONE || last[class_id] == sentence + 1) return;
    last[class_id] = sentence + 1;
    if (write) g->posts[g->starts[class_id]++] = (uint32_t)sentence;
    else g->starts[class_id + 1]++;
}

static void ft__ground_post_all(ft__ground *g, size_t *last, bool write) {
    memset(last, 0, g->n_classes * sizeof *last);
    for (size_t i = 0; i < g->text.n_sentences; i++) {
        const ft__facts_sentence *s = &g->text.sentences[i];
        for (size_t k = s->token; k < s->token + s->n_tokens; k++)
            if (!(g->text.tokens[k].flags & FT__WORD_STOP))
                ft__ground_post(g, last, g->text.tokens[k].class_id, i, write);
        for (size_t k = s->fact; k < s->fact + s->n_facts; k++)
            for (int j = 0; j < 4; j++)
                ft__ground_post(g, last, g->text.facts[k].shows[j], i, write);
    }
}

/* "May I return it?  No." is a negation of the question. */
static void ft__ground_answer_questions(ft__facts *t) {
    for (size_t i = 0; i + 1 < t->n_sentences; i++) {
        const ft__facts_sentence *next = &t->sentences[i + 1];
        if (t->sentences[i].asks && next->n_tokens && next->passage == t->sentences[i].passage &&
            (t->tokens[next->token].flags & FT__WORD_NOT))
            t->sentences[i].negated = ~t->sentences[i].negated;
    }
}

FT__PRIV bool ft__ground_index(ft__ground *g) {
    const ft_allocator *a = &g->text.words->arena.allocator;
    size_t n = g->text.n_sentences, total = 0;
    g->n_classes = ft__facts_classes(g->text.words);
    size_t *last = (size_t *)ft__alloc_zero(a, g->n_classes + 1, sizeof *last);
    g->starts = (size_t *)ft__alloc_zero(a, g->n_classes + 2, sizeof *g->starts);
    g->bits = (uint8_t *)ft__alloc_zero(a, g->n_classes + 1, sizeof *g->bits);
    g->same = (ft__ground_same *)ft__alloc_zero(a, n + 1, sizeof *g->same);
    g->masks = (uint64_t *)ft__alloc_zero(a, n + 1, sizeof *g->masks);
    g->touched = (uint32_t *)ft__alloc_zero(a, n + 1, sizeof *g->touched);
    g->passages =
        (ft__ground_range *)ft__alloc_zero(a, g->text.n_passages + 1, sizeof *g->passages);
    bool ok = last && g->starts && g->bits && g->same && g->masks && g->touched && g->passages;
    if (ok) {
        ft__ground_answer_questions(&g->text);
        ft__ground_post_all(g, last, false);
        for (size_t i = 0; i < g->n_classes; i++) g->starts[i + 1] += g->starts[i];
        total = g->starts[g->n_classes];
        g->posts = (uint32_t *)ft__alloc_zero(a, total + 1, sizeof *g->posts);
        ok = g->posts != NULL;
    }
    if (ok) { /* writing moves every start to the next one */
        ft__ground_post_all(g, last, true);
        for (size_t i = g->n_classes; i > 0; i--) g->starts[i] = g->starts[i - 1];
        g->starts[0] = 0;
        for (size_t i = 0; i < n; i++) {
            g->same[i].hash = g->text.sentences[i].hash;
            g->same[i].sentence = i;
            ft__ground_range *passage = &g->passages[g->text.sentences[i].passage];
            if (passage->to == 0) passage->from = i;
            passage->to = i + 1;
        }
        qsort(g->same, n, sizeof *g->same, ft__ground_compare_same);
    }
    ft__free(a, last);
    return ok;
}

FT__PRIV size_t ft__ground_find(const ft__ground *g, uint32_t class_id, size_t sentence) {
    size_t low = g->starts[class_id], high = g->starts[class_id + 1];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (g->posts[middle] < sentence) low = middle + 1;
        else high = middle;
    }
    return low;
}

FT__PRIV bool ft__ground_in(const ft__ground *g, uint32_t class_id, size_t from, size_t to) {
    if (class_id == FT__FACTS_NONE) return false;
    size_t at = ft__ground_find(g, class_id, from);
    return at < g->starts[class_id + 1] && g->posts[at] < to;
}

FT__PRIV bool ft__ground_in_scope(const ft__ground *g, uint32_t class_id,
                                  const ft__ground_scope *scope) {
    for (size_t i = 0; i < scope->n; i++)
        if (ft__ground_in(g, class_id, scope->ranges[i].from, scope->ranges[i].to)) return true;
    return ft__ground_in(g, class_id, scope->given.from, scope->given.to);
}

/* ---- rows */

FT__PRIV ft__view ft__ground_passage(const ft__json *value) {
    if (value && value->type == FT__JSON_OBJECT) value = ft__json_get(value, "text");
    return ft__json_as_text(value);
}

FT__PRIV bool ft__ground_read(const ft__json *context, ft__facts *t, ft_score *score) {
    bool list = context->type == FT__JSON_ARRAY;
    for (const ft__json *p = list ? context->child : context; p; p = list ? p->next : NULL) {
        ft__view text = ft__ground_passage(p);
        if (!text.text)
            return !ft__score_error(
                score,
                "\"context\" must be a text or a list of texts or of objects with "
                "\"text\", found %s",
                ft__json_type_name(p->type));
        ft__facts_add(t, text);
    }
    return true;
}

FT__PRIV bool ft__ground_context(const ft_row *row, ft__facts *t, ft_score *score) {
    const ft__json *context = ft__row_get(row, "context");
    if (!context) return !ft__score_error(score, "row has no \"context\"");
    return ft__ground_read(context, t, score);
}

FT__PRIV void ft__ground_begin(ft__ground_work *w, const ft_evaluator *e) {
    memset(w, 0, sizeof *w);
    ft__facts_words_init(&w->words, (const ft__facts_lexicon *)e->state, &e->arena.allocator);
    ft__facts_init(&w->g.text, &w->words);
    ft__facts_init(&w->text, &w->words);
}

FT__PRIV bool ft__ground_end(ft__ground_work *w, bool ok) {
    ok = ok && !w->words.failed;
    ft__ground_free(&w->g);
    ft__facts_free(&w->text);
    ft__facts_words_free(&w->words);
    return ok;
}

FT__PRIV ft__ground_scope ft__ground_everywhere(const ft__ground *g, ft__ground_range *all) {
    ft__ground_scope scope;
    memset(&scope, 0, sizeof scope);
    all->from = 0;
    all->to = g->text.n_sentences;
    scope.ranges = all;
    scope.n = 1;
    return scope;
}
