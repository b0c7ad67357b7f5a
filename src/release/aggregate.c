/* What is not a mean of rows: BLEU of a whole corpus, F1 over classes, calibration.  For evaluators that have
   such a metric it is computed over the scored rows of every cohort and variant (the first repetition of each)
   and stands beside the mean in result.json.  The rules of the gate are about means; these are for people. */
#include "release.h"

typedef enum ft__aggregate_shape {
    FT__AGGREGATE_LISTS,  /* predictions, and a list of references for each */
    FT__AGGREGATE_ONE,    /* predictions, and the first reference of each */
    FT__AGGREGATE_LABELS, /* y_true, y_pred */
    FT__AGGREGATE_CHOICES /* confidence, correct */
} ft__aggregate_shape;

typedef struct ft__aggregate_kind {
    const char *evaluator, *metric;
    ft__aggregate_shape shape;
    const char *shown; /* the member of the value that the report shows; NULL: the value itself */
} ft__aggregate_kind;

static const ft__aggregate_kind ft__aggregate_kinds[] = {
    {"bleu", "bleu_corpus", FT__AGGREGATE_LISTS, "score"},
    {"chrf", "chrf_corpus", FT__AGGREGATE_LISTS, NULL},
    {"chrf++", "chrfpp_corpus", FT__AGGREGATE_LISTS, NULL},
    {"ter", "ter_corpus", FT__AGGREGATE_LISTS, "score"},
    {"wer", "wer_corpus", FT__AGGREGATE_ONE, "wer"},
    {"cer", "wer_corpus", FT__AGGREGATE_ONE, "cer"},
    {"label", "classification", FT__AGGREGATE_LABELS, "f1_macro"},
    {"choice_accuracy", "ece", FT__AGGREGATE_CHOICES, "ece"},
};

static const ft__aggregate_kind *ft__aggregate_of(const ft_job *job, int evaluator) {
    for (size_t i = 0; i < FT__COUNT(ft__aggregate_kinds); i++)
        if (strcmp(ft__aggregate_kinds[i].evaluator, job->evaluators[evaluator].use) == 0)
            return &ft__aggregate_kinds[i];
    return NULL;
}

/* ---- the metric's input: two lists, built side by side */

typedef struct ft__aggregate {
    const ft_result *r;
    const ft__aggregate_kind *kind;
    const ft_evaluator *evaluator;
    ft__buf first, second;
    ft__json_writer a, b;
    int n;
    bool failed;
} ft__aggregate;

static void ft__aggregate_references(ft__aggregate *g, const ft_row *row) {
    ft__answers answers;
    ft_score unused;
    bool lists = g->kind->shape == FT__AGGREGATE_LISTS;
    if (lists) ft__json_begin(&g->b, '[');
    if (ft__answers_find(&answers, row, &unused)) {
        const ft__json *answer;
        while ((answer = ft__answers_next(&answers)) != NULL) {
            ft__view text = ft__json_as_text(answer);
            ft__json_string(&g->b, text.text, text.n);
            if (!lists) break;
        }
    }
    if (lists) ft__json_end(&g->b, ']');
}

static void ft__aggregate_label(ft__aggregate *g, const ft_row *row, ft__view output) {
    ft__view wanted, got;
    if (!ft__label_of_row(g->evaluator, row, &wanted) ||
        !ft__label_of_output(g->evaluator, output, &got)) {
        g->failed = true;
        return;
    }
    ft__json_string(&g->a, wanted.text, wanted.n);
    ft__json_string(&g->b, got.text ? got.text : "", got.text ? got.n : 0);
}

/* The probability of the choice with the highest log-prob, and whether it is the right one. */
static void ft__aggregate_choice(ft__aggregate *g, const ft__evidence *found, bool correct) {
    double largest = found->options[0].logprob, sum = 0;
    for (int i = 1; i < found->n; i++)
        if (found->options[i].logprob > largest) largest = found->options[i].logprob;
    for (int i = 0; i < found->n; i++) sum += ft__exp(found->options[i].logprob - largest);
    ft__json_number(&g->a, 1 / sum);
    ft__json_number(&g->b, correct);
}

static void ft__aggregate_row(ft__aggregate *g, int e, size_t row, int variant) {
    const ft__row_score *s = ft__result_score(g->r, e, row, variant);
    const ft__answer *answer = ft__result_answer(g->r, row, variant, 0);
    ft__view output = {answer->text_len ? answer->text : "", answer->text_len};
    const ft_row *data = &g->r->job->rows[row].row;
    if (s->state != FT_SCORED || g->r->job->rows[row].weight == 0) return;
    g->n++;
    switch (g->kind->shape) {
    case FT__AGGREGATE_LISTS:
    case FT__AGGREGATE_ONE:
        ft__json_string(&g->a, output.text, output.n);
        ft__aggregate_references(g, data);
        break;
    case FT__AGGREGATE_LABELS: ft__aggregate_label(g, data, output); break;
    case FT__AGGREGATE_CHOICES:
        ft__aggregate_choice(g, ft__result_evidence(g->r, e, row, variant, 0), s->value > 0);
        break;
    }
}

static bool ft__aggregate_in(const ft_result *r, size_t row, int cohort) {
    const ft__data_row *data = &r->job->rows[row];
    bool every = (size_t)cohort == r->job->cohorts.n;
    for (int c = 0; c < data->n_cohorts && !every; c++) every = data->cohorts[c] == cohort;
    return every;
}

/* ---- the metric */

static int ft__aggregate_collect(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n);
    return 0;
}

/* {"metric": ..., "params": ..., "input": ...} of the two lists. */
static void ft__aggregate_line(const ft__aggregate *g, const ft__json *params, ft__buf *line) {
    static const char *const names[][2] = {{"predictions", "references"},
                                           {"predictions", "references"},
                                           {"y_true", "y_pred"},
                                           {"confidence", "correct"}};
    ft__json_writer w;
    ft__buf_printf(line, "{\"metric\": \"%s\", \"params\": ", g->kind->metric);
    ft__json_writer_init(&w, line, 0);
    if (params) ft__json_value(&w, params);
    else if (g->kind->shape == FT__AGGREGATE_CHOICES) ft__buf_text(line, "{\"bins\": 10}");
    else ft__buf_text(line, "{}");
    ft__buf_printf(line, ", \"input\": {\"%s\": ", names[g->kind->shape][0]);
    ft__buf_add(line, g->first.data, g->first.len);
    ft__buf_printf(line, ", \"%s\": ", names[g->kind->shape][1]);
    ft__buf_add(line, g->second.data, g->second.len);
    ft__buf_text(line, "}}");
}

/* The value in the result's arena; *value stays NULL where the metric has none. */
static ft_status ft__aggregate_compute(ft__aggregate *g, ft_result *r, const ft__json *params,
                                       const ft__json **value, ft_error *err) {
    ft__buf line, out;
    ft__json *answer = NULL;
    ft__buf_init(&line, &r->allocator);
    ft__buf_init(&out, &r->allocator);
    ft__aggregate_line(g, params, &line);
    bool failed = line.failed || g->failed || g->first.failed || g->second.failed;
    ft_status status = failed ? ft__fail_memory(err)
                              : ft_metric(line.data, line.len, &r->allocator, ft__aggregate_collect,
                                          &out, err);
    if (!status && out.failed) status = ft__fail_memory(err);
    if (!status) status = ft__json_parse(out.data, out.len, "", 1, &r->arena, &answer, err);
    if (!status) *value = ft__json_get(answer, "value");
    ft__buf_free(&line);
    ft__buf_free(&out);
    return status;
}

static ft_status ft__aggregate_cell(ft_result *r, int e, int cohort, int variant,
                                    const ft__json **value, ft_error *err) {
    const ft_job *job = r->job;
    const ft__json *params = job->evaluators[e].params;
    ft__aggregate g;
    ft_status status = FT_OK;
    memset(&g, 0, sizeof g);
    g.r = r;
    g.kind = ft__aggregate_of(job, e);
    g.evaluator = job->evaluators[e].handle;
    ft__buf_init(&g.first, &r->allocator);
    ft__buf_init(&g.second, &r->allocator);
    ft__json_writer_init(&g.a, &g.first, 0);
    ft__json_writer_init(&g.b, &g.second, 0);
    ft__json_begin(&g.a, '[');
    ft__json_begin(&g.b, '[');
    for (size_t i = 0; i < job->n_rows; i++)
        if (ft__aggregate_in(r, i, cohort)) ft__aggregate_row(&g, e, i, variant);
    ft__json_end(&g.a, ']');
    ft__json_end(&g.b, ']');
    if (g.kind->shape == FT__AGGREGATE_CHOICES) params = NULL;
    if (g.n) status = ft__aggregate_compute(&g, r, params, value, err);
    ft__buf_free(&g.first);
    ft__buf_free(&g.second);
    return status;
}

FT__PRIV ft_status ft__aggregate_all(ft_result *r, ft_error *err) {
    ft_status status = FT_OK;
    for (int e = 0; e < r->job->n_evaluators; e++) {
        if (!ft__aggregate_of(r->job, e)) continue;
        for (int c = 0; c < r->table.n_cohorts; c++)
            for (int v = 0; v < r->job->n_variants && !status; v++)
                status = ft__aggregate_cell(r, e, c, v, &ft__table_at(&r->table, e, c, v)->corpus, err);
    }
    return status;
}

FT__PRIV const char *ft__aggregate_shown(const ft_job *job, int evaluator, const ft__json *corpus,
                                         double *value) {
    const ft__aggregate_kind *kind = ft__aggregate_of(job, evaluator);
    const ft__json *shown = corpus && kind->shown ? ft__json_get(corpus, kind->shown) : corpus;
    if (!shown || shown->type != FT__JSON_NUMBER) return NULL;
    *value = shown->number;
    return kind->shown && strcmp(kind->shown, "score") != 0 ? kind->shown : kind->evaluator;
}
