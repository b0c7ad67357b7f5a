/* What evaluators judge beside the generated text: how likely a variant finds the row's choices or its
   expected text, and how likely a judge model finds its grades.  Filled in after the answers, a slice of
   the rows at a time. */
#include "release.h"

enum { FT__EVIDENCE_SLICE = 512 }; /* texts scored in one go, or a little more */

/* Texts on their way to a model, and where their likelihoods go. */
typedef struct ft__evidence_slice {
    ft__compare *c;
    ft_session *session;
    ft__arena arena; /* of the texts */
    ft_text_request *texts;
    ft_likelihood **out;
    size_t *own_bytes; /* of the text without the blank before it */
    int n;
    size_t cap_texts, cap_out, cap_bytes;
} ft__evidence_slice;

static void ft__evidence_open(ft__evidence_slice *s, ft__compare *c, ft_session *session) {
    memset(s, 0, sizeof *s);
    s->c = c;
    s->session = session;
    ft__arena_init(&s->arena, &c->job->allocator);
}

static void ft__evidence_close(ft__evidence_slice *s) {
    const ft_allocator *a = &s->c->job->allocator;
    ft__free(a, s->texts);
    ft__free(a, s->out);
    ft__free(a, s->own_bytes);
    ft__arena_free(&s->arena);
}

static ft_status ft__evidence_flush(ft__evidence_slice *s) {
    ft_status status = FT_OK;
    if (s->n) {
        ft_likelihood *out =
            (ft_likelihood *)ft__arena_alloc(&s->arena, (size_t)s->n, sizeof *out);
        if (!out) return ft__fail_memory(s->c->err);
        status = ft_session_score_texts(s->session, s->texts, s->n, out, s->c->err);
        for (int i = 0; i < s->n && !status; i++) {
            *s->out[i] = out[i];
            s->out[i]->n_bytes = s->own_bytes[i];
        }
    }
    ft__arena_free(&s->arena);
    ft__arena_init(&s->arena, &s->c->job->allocator);
    s->n = 0;
    return status;
}

/* One more text; what it points to stays until the slice is flushed. */
static ft_status ft__evidence_push(ft__evidence_slice *s, const ft_text_request *text,
                                   size_t own_bytes, ft_likelihood *out) {
    const ft_allocator *a = &s->c->job->allocator;
    size_t need = (size_t)s->n + 1;
    if (!ft__grow(a, (void **)&s->texts, &s->cap_texts, need, sizeof *s->texts) ||
        !ft__grow(a, (void **)&s->out, &s->cap_out, need, sizeof *s->out) ||
        !ft__grow(a, (void **)&s->own_bytes, &s->cap_bytes, need, sizeof *s->own_bytes))
        return ft__fail_memory(s->c->err);
    s->texts[s->n] = *text;
    s->out[s->n] = out;
    s->own_bytes[s->n++] = own_bytes;
    return FT_OK;
}

/* A text after its prompt, perhaps with a blank between them. */
static ft_status ft__evidence_add(ft__evidence_slice *s, const char *name, int variant,
                                  unsigned flags, ft__view prompt, ft__view text, bool blank,
                                  ft_likelihood *out) {
    char *copy = (char *)ft__arena_alloc(&s->arena, text.n + 2, 1);
    if (!copy) return ft__fail_memory(s->c->err);
    if (blank) copy[0] = ' ';
    if (text.n) memcpy(copy + blank, text.text, text.n);
    ft_text_request r = {variant, prompt.text, prompt.n, copy, text.n + blank, flags, name};
    return ft__evidence_push(s, &r, text.n, out);
}

static const char *ft__evidence_name(ft__evidence_slice *s, size_t row) {
    const ft__data_row *data = &s->c->job->rows[row];
    char where[384];
    ft__shape_where(s->c->job->data[data->file].path, data->line, where);
    return ft__arena_text(&s->arena, where, strlen(where));
}

/* ---- choices and expected texts */

/* The texts of a row that an evaluator wants scored: n of them. */
static size_t ft__evidence_texts(const ft_row *row, ft_evidence kind, const ft__json **first) {
    *first = ft__row_get(row, kind == FT_FROM_CHOICES ? "choices" : "expected");
    if (!*first) return 0;
    if (kind == FT_FROM_EXPECTED) return ft__json_as_text(*first).text ? 1 : 0;
    size_t n = (*first)->count;
    *first = (*first)->child;
    for (const ft__json *c = *first; c; c = c->next)
        if (!ft__json_as_text(c).text) return 0;
    return n;
}

/* One variant's likelihoods on one row, for all evaluators of a kind. */
static ft_status ft__evidence_row(ft__evidence_slice *s, ft_evidence kind, bool alone, size_t row,
                                  int variant, int session_variant, ft__evidence *out) {
    const ft__data_row *data = &s->c->job->rows[row];
    const ft__compare_model *m = &s->c->models[s->c->job->variants[variant].model];
    const ft__json *text;
    size_t n = ft__evidence_texts(&data->row, kind, &text), i = 0;
    ft__view prompt = m->texts[row], none = {"", 0};
    ft_likelihood *options = (ft_likelihood *)ft__arena_alloc(
        &s->c->r->arena, n * (alone ? 2 : 1), sizeof *options);
    const char *name = ft__evidence_name(s, row);
    if (!options || !name) return ft__fail_memory(s->c->err);
    out->options = options;
    out->alone = alone && n ? options + n : NULL;
    out->n = (int)n;
    ft_status status = FT_OK;
    for (; i < n && !status; i++, text = text->next) {
        ft__view v = ft__json_as_text(text);
        bool blank = !s->c->job->templated && ft__text_needs_blank(prompt, v);
        status = ft__evidence_add(s, name, session_variant, m->flags, prompt, v, blank, &options[i]);
        if (!status && alone)
            status = ft__evidence_add(s, name, session_variant, FT_TOKENIZE_DEFAULT, none, v, blank,
                                      &options[n + i]);
    }
    return status;
}

/* Copies what one evaluator of the kind got to the others that judge the same row. */
static void ft__evidence_share(ft__compare *c, ft_evidence kind, size_t row, int variant,
                               const ft__evidence *found) {
    const ft_job *job = c->job;
    for (int e = 0; e < job->n_evaluators; e++) {
        if (ft_evaluator_get_info(job->evaluators[e].handle)->evidence != kind) continue;
        for (int k = 0; k < job->repeat; k++)
            *ft__result_evidence(c->r, e, row, variant, k) = *found;
    }
}

/* Does any evaluator of this kind judge the row (NULL: any row)?  *alone: it wants that, too. */
static bool ft__evidence_wanted(const ft_job *job, ft_evidence kind, const ft__data_row *row,
                                bool *alone) {
    bool wanted = false;
    for (int e = 0; e < job->n_evaluators; e++) {
        const ft_evaluator *handle = job->evaluators[e].handle;
        if (ft_evaluator_get_info(handle)->evidence != kind) continue;
        if (row && !ft__job_applies(job, e, row)) continue;
        wanted = true;
        *alone = *alone || handle->alone;
    }
    return wanted;
}

FT__PRIV ft_status ft__evidence_variants(ft__compare *c, ft_session *session, const int *variants,
                                         const int *session_variants, int n) {
    static const ft_evidence kinds[] = {FT_FROM_CHOICES, FT_FROM_EXPECTED};
    const ft_job *job = c->job;
    ft__evidence_slice s;
    ft_status status = FT_OK;
    ft__evidence_open(&s, c, session);
    for (size_t row = 0; row < job->n_rows && !status; row++) {
        for (int v = 0; v < n && !status; v++) {
            for (size_t k = 0; k < FT__COUNT(kinds) && !status; k++) {
                bool alone = false;
                ft__evidence found = {NULL, NULL, 0};
                if (!ft__evidence_wanted(job, kinds[k], &job->rows[row], &alone)) continue;
                status = ft__evidence_row(&s, kinds[k], alone, row, variants[v], session_variants[v],
                                          &found);
                if (!status) ft__evidence_share(c, kinds[k], row, variants[v], &found);
            }
        }
        if (!status && (s.n >= FT__EVIDENCE_SLICE || row + 1 == job->n_rows))
            status = ft__evidence_flush(&s);
    }
    ft__evidence_close(&s);
    return status;
}

FT__PRIV bool ft__evidence_any(const ft_job *job) {
    bool alone = false;
    return ft__evidence_wanted(job, FT_FROM_CHOICES, NULL, &alone) ||
           ft__evidence_wanted(job, FT_FROM_EXPECTED, NULL, &alone);
}

FT__PRIV bool ft__evidence_text_wanted(const ft_job *job, const ft__data_row *row) {
    bool alone = false;
    bool judged = ft__evidence_wanted(job, FT_FROM_CHOICES, row, &alone) ||
                  ft__evidence_wanted(job, FT_FROM_EXPECTED, row, &alone);
    return !judged || ft__evidence_wanted(job, FT_FROM_TEXT, row, &alone) ||
           ft__evidence_wanted(job, FT_FROM_JUDGE, row, &alone);
}

/* ---- judges */

/* The grades after the judge's prompt for one answer. */
static ft_status ft__evidence_answer(ft__evidence_slice *s, int evaluator, size_t row, int variant,
                                     int repeat) {
    const ft_job *job = s->c->job;
    const ft_evaluator *judge = job->evaluators[evaluator].handle;
    const ft__answer *answer = ft__result_answer(s->c->r, row, variant, repeat);
    ft__evidence *out = ft__result_evidence(s->c->r, evaluator, row, variant, repeat);
    ft__view output = {answer->text_len ? answer->text : "", answer->text_len};
    const char *name = ft__evidence_name(s, row);
    int n = ft__judge_n_grades(judge);
    ft_likelihood *options =
        (ft_likelihood *)ft__arena_alloc(&s->c->r->arena, (size_t)n, sizeof *options);
    ft_text_request *texts =
        (ft_text_request *)ft__arena_alloc(&s->arena, (size_t)n, sizeof *texts);
    if (!name || !options || !texts) return ft__fail_memory(s->c->err);
    out->options = options;
    out->n = n;
    ft_status status =
        ft__judge_texts(judge, &job->rows[row].row, output, &s->arena, texts, s->c->err);
    for (int i = 0; i < n && !status; i++) {
        texts[i].name = name;
        status = ft__evidence_push(s, &texts[i], texts[i].text_len, &options[i]);
    }
    return status;
}

/* A judge of a candidate's own family scores its own manner higher. */
static ft_status ft__evidence_check_family(ft__compare *c, int evaluator, const ft_model *judge) {
    const ft__job_evaluator *e = &c->job->evaluators[evaluator];
    const ft__json *allowed = ft__json_get(e->params, "allow_same_family");
    if (allowed && allowed->type == FT__JSON_TRUE) return FT_OK;
    for (int m = 0; m < c->job->n_models; m++)
        if (ft_model_same_family(judge, c->models[m].model))
            return ft__job_fail(c->job, c->err, e->line,
                                "%.60s: the judge %.120s is of the same family as %.120s, which inflates its "
                                "scores; \"allow_same_family\": true permits it",
                                e->name, e->judge, c->job->models[m]);
    return FT_OK;
}

FT__PRIV ft_status ft__evidence_check_judges(ft__compare *c) {
    ft_status status = FT_OK;
    for (int e = 0; e < c->job->n_evaluators && !status; e++) {
        ft_model_desc desc;
        ft_error mine, *err = c->err ? c->err : &mine;
        const char *path = c->job->evaluators[e].judge;
        if (!path) continue;
        memset(&desc, 0, sizeof desc);
        desc.allocator = c->job->allocator;
        desc.vocab_only = true;
        ft_model *model = ft_model_load(path, &desc, err);
        status = model ? ft__evidence_check_family(c, e, model) : err->code;
        ft_model_free(model);
    }
    return status;
}

static ft_status ft__evidence_judge(ft__compare *c, int evaluator, ft_session *session) {
    const ft_job *job = c->job;
    ft__evidence_slice s;
    ft_status status = FT_OK;
    ft__evidence_open(&s, c, session);
    for (size_t row = 0; row < job->n_rows && !status; row++) {
        bool applies = ft__job_applies(job, evaluator, &job->rows[row]);
        for (int v = 0; v < job->n_variants && applies && !status; v++)
            for (int k = 0; k < job->repeat && !status; k++)
                status = ft__evidence_answer(&s, evaluator, row, v, k);
        if (!status && (s.n >= FT__EVIDENCE_SLICE || row + 1 == job->n_rows))
            status = ft__evidence_flush(&s);
    }
    ft__evidence_close(&s);
    return status;
}

FT__PRIV ft_status ft__evidence_judges(ft__compare *c) {
    ft_status status = FT_OK;
    for (int e = 0; e < c->job->n_evaluators && !status; e++) {
        ft_model_desc model_desc;
        ft_session_desc desc;
        ft_error mine, *err = c->err ? c->err : &mine;
        const char *path = c->job->evaluators[e].judge;
        if (!path) continue;
        memset(&model_desc, 0, sizeof model_desc);
        memset(&desc, 0, sizeof desc);
        model_desc.allocator = c->job->allocator;
        model_desc.threads = desc.threads = c->desc->threads;
        ft_model *model = ft_model_load(path, &model_desc, err);
        ft_session *session = model ? ft_session_create(model, &desc, err) : NULL;
        status = session ? ft__evidence_judge(c, e, session) : err->code;
        ft_session_free(session);
        ft_model_free(model);
    }
    return status;
}
