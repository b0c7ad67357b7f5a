/* Judges of a retrieval: does the context, or else the output as the list of what was retrieved,
   support the claims of the expected text?

       context_recall     share of the claims of the expected text that the context supports
       context_precision  mean, over the passages that support a claim of the expected text, of the
                          share of such passages among all up to it; 0 if there are none

   Of several expected texts the best.  What supports a claim: see ground.c. */
#include "ground.h"

/* The output in the place of the context: a list as JSON, or paragraphs. */
static bool ft__retrieval_read(ft__view output, ft__arena *arena, ft__facts *t, ft_score *score) {
    ft__json *value = NULL;
    ft__view left = ft__text_strip(output);
    bool list = left.n && *left.text == '[' &&
                ft__json_parse(left.text, left.n, "output", 1, arena, &value, NULL) == FT_OK;
    for (const ft__json *p = list ? value->child : NULL; p; p = p->next)
        list = list && ft__ground_passage(p).text;
    if (list) return ft__ground_read(value, t, score);
    for (const char *p = output.text, *end = p + output.n; p < end;) {
        const char *stop = p;
        while (stop < end && !(*stop == '\n' && end - stop > 1 && stop[1] == '\n')) stop++;
        ft__view part = {p, (size_t)(stop - p)};
        if (ft__text_strip(part).n) ft__facts_add(t, part);
        for (p = stop; p < end && *p == '\n';) p++;
    }
    return true;
}

/* Of the passages that support a claim: the mean share of such among all up to it. */
static double ft__retrieval_precision(ft__ground_work *w, ft__view answer, size_t *relevant) {
    double sum = 0;
    *relevant = 0;
    for (size_t i = 0; i < w->g.text.n_passages; i++) {
        ft__ground_scope scope;
        ft__ground_sum part;
        memset(&scope, 0, sizeof scope);
        memset(&part, 0, sizeof part);
        scope.ranges = &w->g.passages[i];
        scope.n = 1;
        ft__ground_add(&w->g, &scope, &w->text, SIZE_MAX, answer, NULL, &part);
        if (!part.n_supported) continue;
        ++*relevant;
        sum += (double)*relevant / (double)(i + 1);
    }
    return *relevant ? sum / (double)*relevant : 0;
}

enum { FT__RETRIEVAL_RECALL, FT__RETRIEVAL_PRECISION };

static bool ft__retrieval_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                                ft_score *score) {
    ft__answers answers;
    ft__arena arena;
    bool ok = true, any = false, fine = true;
    if (!ft__answers_find(&answers, row, score)) return true;
    ft__arena_init(&arena, &e->arena.allocator);
    for (const ft__json *value; ok && fine && (value = ft__answers_next(&answers)) != NULL;) {
        ft__view answer = ft__json_as_text(value);
        ft__ground_work w;
        ft__ground_sum sum;
        ft__ground_range all;
        size_t relevant = 0;
        memset(&sum, 0, sizeof sum);
        ft__ground_begin(&w, e);
        fine = ft__row_get(row, "context") ? ft__ground_context(row, &w.g.text, score)
                                           : ft__retrieval_read(output, &arena, &w.g.text, score);
        if (fine) ft__facts_add(&w.text, answer);
        ok = !arena.failed && !w.words.failed && (!fine || ft__ground_index(&w.g));
        if (ok && fine) {
            ft__ground_scope scope = ft__ground_everywhere(&w.g, &all);
            ft__ground_add(&w.g, &scope, &w.text, SIZE_MAX, answer, NULL, &sum);
            bool recall = e->kind->which == FT__RETRIEVAL_RECALL;
            double v =
                recall ? ft__ground_share(&sum) : ft__retrieval_precision(&w, answer, &relevant);
            if (sum.n_claims && (!any || v > score->value)) {
                score->value = v;
                if (recall) ft__ground_detail(&sum, answer, score);
                else
                    ft__score_detail(score,
                                     "%zu of %zu passages support a part of the expected text",
                                     relevant, w.g.text.n_passages);
            }
            any = any || sum.n_claims;
        }
        ok = ft__ground_end(&w, ok);
    }
    ft__arena_free(&arena);
    if (ok && fine && !any)
        ft__score_error(score, "the expected text states nothing that can be looked for");
    return ok;
}

/* ---- rows of the registry */

FT__PRIV const ft__evaluator_kind *ft__retrieval_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"context_recall",
          "share of the expected text's claims that the context supports; without a context, that "
          "the output as a retrieval does",
          "expected", "{\"threshold\": 0.8}", 0, 1, true, 0.8, "context_recall|windows|v1",
          FT_FROM_TEXT},
         FT__RETRIEVAL_RECALL,
         ft__ground_prepare,
         ft__retrieval_score,
         ft__ground_release},
        {{"context_precision",
          "average precision of the context's passages, or without a context of those of the "
          "output (a JSON list or paragraphs): those that support a claim of the expected text "
          "come first",
          "expected", "{\"threshold\": 0.5}", 0, 1, true, 0.5, "context_precision|windows|v1",
          FT_FROM_TEXT},
         FT__RETRIEVAL_PRECISION,
         ft__ground_prepare,
         ft__retrieval_score,
         ft__ground_release},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
