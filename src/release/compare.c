/* The comparison.  Everything is loaded and checked before the first token is made: models,
   adapters, every prompt against the context.  Then each model answers all rows under all of its
   variants in one batch, the answers are scored, the scores are summed up per cohort and judged,
   and the run folder is written, result.json last. */
#include "../model/model.h"
#include "release.h"

/* ---- the result's arrays */

FT__PRIV ft__answer *ft__result_answer(const ft_result *r, size_t row, int variant, int repeat) {
    size_t at = row * (size_t)r->job->n_variants + (size_t)variant;
    return &r->answers[at * (size_t)r->job->repeat + (size_t)repeat];
}

FT__PRIV ft__row_score *ft__result_score(const ft_result *r, int evaluator, size_t row,
                                         int variant) {
    size_t at = (size_t)evaluator * r->job->n_rows + row;
    return &r->scores[at * (size_t)r->job->n_variants + (size_t)variant];
}

FT__PRIV ft__evidence *ft__result_evidence(const ft_result *r, int evaluator, size_t row,
                                           int variant, int repeat) {
    size_t at = row * (size_t)r->job->n_variants + (size_t)variant;
    return &r->evidence[evaluator][at * (size_t)r->job->repeat + (size_t)repeat];
}

FT__PRIV const char *ft__result_cohort(const ft_result *r, int cohort) {
    return (size_t)cohort < r->job->cohorts.n ? r->job->cohorts.names[cohort] : FT__EVERY_ROW;
}

FT__PRIV bool ft__result_is_probe(const ft_result *r, int cohort) {
    return strncmp(ft__result_cohort(r, cohort), FT__PROBE_COHORT, strlen(FT__PROBE_COHORT)) == 0;
}

/* Every evaluator counts every row, if only as not applicable. */
FT__PRIV int ft__result_cohort_rows(const ft_result *r, int cohort) {
    const ft__numbers *n = ft__table_at(&r->table, 0, cohort, 0);
    return n->n_scored + n->n_error + n->n_missing + n->n_not_applicable;
}

static ft_status ft__compare_allocate(ft__compare *c) {
    const ft_job *job = c->job;
    ft_result *r = c->r;
    size_t n_v = (size_t)job->n_variants, n_e = (size_t)job->n_evaluators, answers, scores, cells;
    if (!ft__mul_size(job->n_rows, n_v, &answers) ||
        !ft__mul_size(answers, (size_t)job->repeat, &answers) ||
        !ft__mul_size(job->n_rows, n_v, &scores) || !ft__mul_size(scores, n_e, &scores) ||
        !ft__mul_size(job->cohorts.n + 1, n_v, &cells) || !ft__mul_size(cells, n_e, &cells) ||
        answers > INT_MAX)
        return ft__fail(c->err, FT_ERR_LIMIT, job->path,
                        "too many rows, variants and repeats for one run");
    r->answers = (ft__answer *)ft__arena_alloc(&r->arena, answers, sizeof *r->answers);
    r->scores = (ft__row_score *)ft__arena_alloc(&r->arena, scores, sizeof *r->scores);
    r->higher_is_better = (bool *)ft__arena_alloc(&r->arena, n_e, sizeof(bool));
    r->model_digests = (char(*)[65])ft__arena_alloc(&r->arena, (size_t)job->n_models, 65);
    r->adapter_digests = (char(*)[65])ft__arena_alloc(&r->arena, n_v, 65);
    r->prompt_digests = (char(*)[65])ft__arena_alloc(&r->arena, (size_t)job->n_models, 65);
    r->judge_digests = (char(*)[65])ft__arena_alloc(&r->arena, n_e, 65);
    r->evidence = (ft__evidence **)ft__arena_alloc(&r->arena, n_e, sizeof *r->evidence);
    r->answer_digests = (char(*)[65])ft__arena_alloc(&r->arena, n_v, 65);
    r->tokens = (ft__row_tokens **)ft__arena_alloc(&r->arena, n_v, sizeof *r->tokens);
    r->table.n_evaluators = job->n_evaluators;
    r->table.n_cohorts = (int)job->cohorts.n + 1;
    r->table.n_variants = job->n_variants;
    r->table.cells = (ft__numbers *)ft__arena_alloc(&r->arena, cells, sizeof *r->table.cells);
    c->models =
        (ft__compare_model *)ft__arena_alloc(&c->arena, (size_t)job->n_models, sizeof *c->models);
    c->adapters = (ft_adapter **)ft__arena_alloc(&c->arena, n_v, sizeof *c->adapters);
    if (r->arena.failed || c->arena.failed) return ft__fail_memory(c->err);
    for (int e = 0; e < job->n_evaluators; e++) {
        const ft_evaluator_info *info = ft_evaluator_get_info(job->evaluators[e].handle);
        r->higher_is_better[e] = info->higher_is_better;
        if (info->evidence != FT_FROM_TEXT)
            r->evidence[e] = (ft__evidence *)ft__arena_alloc(&r->arena, answers, sizeof **r->evidence);
    }
    if (r->arena.failed) return ft__fail_memory(c->err);
    for (size_t i = 0; i < job->n_rows; i++)
        if (ft__evidence_text_wanted(job, &job->rows[i]))
            c->progress.total += n_v * (size_t)job->repeat;
    return FT_OK;
}

/* ---- loading and checking */

static void ft__compare_add_u32(ft__sha256 *h, uint32_t x) {
    uint8_t bytes[4] = {(uint8_t)x, (uint8_t)(x >> 8), (uint8_t)(x >> 16), (uint8_t)(x >> 24)};
    ft__sha256_add(h, bytes, 4);
}

/* The text that the model reads for a row, and its tokens, into scratch memory. */
static ft_status ft__compare_tokenize_row(ft__compare *c, ft__compare_model *m, ft__prompter *p,
                                          size_t i, ft__sha256 *digest) {
    const ft_job *job = c->job;
    const ft__data_row *row = &job->rows[i];
    const int n_ctx = ft_model_get_info(m->model).n_ctx;
    char where[384];
    size_t n = 0, cap;
    ft__view text;
    ft_status status = ft__prompter_text(p, row, &text, c->err);
    if (status) return status;
    ft__shape_where(job->data[row->file].path, row->line, where);
    ft__compare_add_u32(digest, (uint32_t)text.n);
    ft__sha256_add(digest, text.text, text.n);
    m->texts[i] = text;
    if (p->chat) m->texts[i].text = ft__arena_text(&c->arena, text.text, text.n);
    cap = 3 * text.n + 3;
    int32_t *scratch = (int32_t *)ft__alloc_zero(&job->allocator, cap, sizeof *scratch);
    if (!scratch || !m->texts[i].text) status = ft__fail_memory(c->err);
    if (!status)
        status = ft_tokenize(m->model, text.text, text.n, p->flags, scratch, cap, &n, c->err);
    if (!status && n + (size_t)job->max_tokens > (size_t)n_ctx)
        status = ft__fail(c->err, FT_ERR_CONTEXT, where,
                          "the prompt has %llu tokens and max_tokens is %d, but the model's context "
                          "holds %d", (unsigned long long)n, job->max_tokens, n_ctx);
    else if (!status && !n)
        status = ft__fail(c->err, FT_ERR_DATA, where, "the prompt gives no tokens");
    if (!status) {
        int32_t *tokens = (int32_t *)ft__arena_alloc(&c->arena, n, sizeof *tokens);
        if (tokens) memcpy(tokens, scratch, n * sizeof *tokens);
        else status = ft__fail_memory(c->err);
        m->prompts[i] = tokens;
        m->n_prompt[i] = (int)n;
        if ((int)n > m->longest) m->longest = (int)n;
    }
    ft__free(&job->allocator, scratch);
    return status;
}

/* Tokens of every prompt, and whether the context holds them with what is to be generated. */
static ft_status ft__compare_tokenize(ft__compare *c, int model) {
    const ft_job *job = c->job;
    ft__compare_model *m = &c->models[model];
    ft__prompter p;
    ft__sha256 digest;
    uint8_t bytes[32];
    m->prompts = (const int32_t **)ft__arena_alloc(&c->arena, job->n_rows, sizeof *m->prompts);
    m->n_prompt = (int *)ft__arena_alloc(&c->arena, job->n_rows, sizeof *m->n_prompt);
    m->texts = (ft__view *)ft__arena_alloc(&c->arena, job->n_rows, sizeof *m->texts);
    if (c->arena.failed) return ft__fail_memory(c->err);
    ft__sha256_init(&digest);
    ft_status status = ft__prompter_open(&p, job, m->model, job->models[model], c->err);
    m->flags = p.flags;
    for (size_t i = 0; i < job->n_rows && !status; i++)
        status = ft__compare_tokenize_row(c, m, &p, i, &digest);
    ft__prompter_close(&p);
    ft__sha256_end(&digest, bytes);
    ft__hex(bytes, 32, c->r->prompt_digests[model]);
    return status;
}

/* Whether a variant runs on the model; one that is there to be merged into may have none. */
static bool ft__compare_runs(const ft_job *job, int model) {
    int v = 0;
    while (v < job->n_variants && job->variants[v].model != model) v++;
    return v < job->n_variants;
}

static ft_model *ft__compare_merge(ft__compare *c, const ft__variant *v, const ft_model_desc *desc,
                                   ft_error *err) {
    const ft_model *base = c->models[v->base].model;
    ft_adapter *adapter = ft_adapter_load(base, v->adapter, err);
    ft_adapter_use use = {adapter, (float)v->scale};
    ft_model *model = NULL;
    if (adapter && ft__adapter_idle(adapter, use.scale)) /* in other types the canary could not tell */
        ft__fail(err, FT_ERR_MISMATCH, v->adapter, "candidate \"%.80s\": the adapter changes nothing", v->name);
    else if (adapter)
        model = ft_model_merge(base, &use, 1, desc, err);
    ft_adapter_free(adapter);
    return model;
}

static ft_status ft__compare_load(ft__compare *c) {
    const ft_job *job = c->job;
    ft_model_desc desc;
    ft_error mine, *err = c->err ? c->err : &mine;
    ft_status status = FT_OK;
    memset(&desc, 0, sizeof desc);
    desc.allocator = job->allocator;
    for (int m = 0; m < job->n_models && !status; m++) {
        status = ft_model_digest(job->models[m], &job->allocator, c->r->model_digests[m], c->err);
        if (status) break;
        desc.share_with = m ? c->models[0].model : NULL; /* a full fine-tune may have left much as it was */
        desc.quantize = job->quantize[m];
        c->models[m].model = job->merged[m]
                                 ? ft__compare_merge(c, &job->variants[job->merged[m]], &desc, err)
                                 : ft_model_load(job->models[m], &desc, err);
        if (!c->models[m].model) status = err->code;
        else if (ft__compare_runs(job, m)) status = ft__compare_tokenize(c, m);
    }
    for (int v = 0; v < job->n_variants && !status; v++) {
        const ft__variant *variant = &job->variants[v];
        if (!variant->adapter) continue;
        status = ft_model_digest(variant->adapter, &job->allocator, c->r->adapter_digests[v], c->err);
        if (status) break;
        if (variant->merge) continue; /* it is in the weights */
        c->adapters[v] = ft_adapter_load(c->models[variant->model].model, variant->adapter, err);
        if (!c->adapters[v]) status = err->code;
    }
    for (int e = 0; e < job->n_evaluators && !status; e++)
        if (job->evaluators[e].judge)
            status = ft_model_digest(job->evaluators[e].judge, &job->allocator, c->r->judge_digests[e], c->err);
    if (!status && job->template_path)
        status = ft_model_digest(job->template_path, &job->allocator, c->r->template_digest, c->err);
    return status ? status : ft__evidence_check_judges(c);
}

/* ---- answering */

static uint64_t ft__compare_first_8(const ft__sha256 *hash) {
    ft__sha256 h = *hash;
    uint8_t digest[32];
    uint64_t key = 0;
    ft__sha256_end(&h, digest);
    for (int i = 7; i >= 0; i--) key = key << 8 | digest[i];
    return key;
}

/* What a row's random draws depend on: its id and which repetition it is, never its neighbours. */
static uint64_t ft__compare_key(const char *name, int repeat) {
    ft__sha256 h;
    ft__sha256_init(&h);
    ft__sha256_add(&h, name, strlen(name));
    if (repeat) ft__compare_add_u32(&h, (uint32_t)repeat);
    return ft__compare_first_8(&h);
}

FT__PRIV ft_status ft__compare_open(ft__compare *c, int m, ft__compare_batch *b) {
    const ft_job *job = c->job;
    ft_session_desc desc;
    ft_error mine, *err = c->err ? c->err : &mine;
    size_t n_v = (size_t)job->n_variants;
    memset(b, 0, sizeof *b);
    b->variants = (int *)ft__arena_alloc(&c->arena, n_v, sizeof *b->variants);
    b->session_variants = (int *)ft__arena_alloc(&c->arena, n_v, sizeof *b->session_variants);
    b->keys = (uint64_t *)ft__arena_alloc(&c->arena, n_v, sizeof *b->keys);
    if (c->arena.failed) return ft__fail_memory(err);
    memset(&desc, 0, sizeof desc);
    desc.threads = c->desc->threads;
    if (!ft__evidence_any(job)) desc.n_ctx = c->models[m].longest + job->max_tokens;
    b->session = ft_session_create(c->models[m].model, &desc, err);
    if (!b->session) return err->code;
    for (int v = 0; v < job->n_variants; v++) {
        ft_adapter_use use = {c->adapters[v], (float)job->variants[v].scale};
        ft_status status = FT_OK;
        if (job->variants[v].model != m) continue;
        if (use.adapter)
            status = ft_session_add_variant(b->session, &use, 1, &b->session_variants[b->n], err);
        if (status) return status;
        b->keys[b->n] = ft__compare_key(job->variants[v].name, 0);
        b->variants[b->n++] = v;
    }
    return FT_OK;
}

static ft_status ft__compare_requests(ft__compare *c, int m, ft__compare_batch *b) {
    const ft_job *job = c->job;
    size_t n =
        job->n_rows * (size_t)b->n * (size_t)job->repeat; /* fits: see ft__compare_allocate */
    b->requests = (ft_request *)ft__arena_alloc(&c->arena, n, sizeof *b->requests);
    b->completions = (ft_completion *)ft__arena_alloc(&c->arena, n, sizeof *b->completions);
    b->rows = (size_t *)ft__arena_alloc(&c->arena, job->n_rows, sizeof *b->rows);
    b->done = (size_t *)ft__arena_alloc(&c->arena, job->n_rows, sizeof *b->done);
    b->n_answers = (int *)ft__arena_alloc(&c->arena, job->n_rows, sizeof *b->n_answers);
    b->compare = c;
    if (c->arena.failed) return ft__fail_memory(c->err);
    for (size_t i = 0, n_rows = 0; i < job->n_rows; i++) {
        if (!ft__evidence_text_wanted(job, &job->rows[i])) continue;
        b->rows[n_rows++] = i;
        for (int v = 0; v < b->n; v++) {
            for (int k = 0; k < job->repeat; k++) {
                ft_request *q = &b->requests[b->n_requests++];
                q->variant = b->session_variants[v];
                q->prompt = c->models[m].prompts[i];
                q->n_prompt = c->models[m].n_prompt[i];
                q->max_tokens = job->max_tokens;
                q->sampling = job->sampling;
                q->row = ft__compare_key(job->rows[i].id, k);
                q->variant_key = b->keys[v];
                q->stops = job->stops;
                q->n_stops = job->n_stops;
            }
        }
    }
    return FT_OK;
}

/* The completions belong to the session; what those of a row say is copied. */
static ft_status ft__compare_keep(ft__compare *c, const ft__compare_batch *b, int first) {
    ft_result *r = c->r;
    int repeat = c->job->repeat;
    for (int q = first; q < first + b->n * repeat; q++) {
        const ft_completion *done = &b->completions[q];
        size_t row = b->rows[q / repeat / b->n], n = (size_t)done->n_tokens;
        ft__answer *answer = ft__result_answer(r, row, b->variants[q / repeat % b->n], q % repeat);
        int32_t *tokens = (int32_t *)ft__arena_alloc(&r->arena, n, sizeof *tokens);
        answer->text = ft__arena_text(&r->arena, done->text, done->text_len);
        if (!tokens || !answer->text) return ft__fail_memory(c->err);
        if (n) memcpy(tokens, done->tokens, n * sizeof *tokens);
        answer->tokens = tokens;
        answer->n_tokens = done->n_tokens;
        answer->text_len = done->text_len;
        answer->n_prompt = b->requests[q].n_prompt;
        answer->finish = done->finish;
        r->timing.n_prompt_tokens += answer->n_prompt;
        r->timing.n_new_tokens += answer->n_tokens;
    }
    return FT_OK;
}

/* A row whose last answer is there.  Base and adapters are compared on it token by token before the session
   forgets the keys and values of its prompt; some rows together, which is faster. */
static ft_status ft__compare_row_done(ft__compare *c, ft__compare_batch *b, int row) {
    enum { TOGETHER = 8 };
    const int n_rows = b->n_requests / b->n / c->job->repeat;
    ft_status status = ft__compare_keep(c, b, row * b->n * c->job->repeat);
    b->done[b->n_done++] = b->rows[row];
    if (status || b->variants[0] != 0) return status; /* of another model: see ft__tokens_rest */
    if (b->n_done - b->n_compared < TOGETHER && b->n_done < n_rows) return FT_OK;
    status = ft__tokens_rows(c, b->session, b, b->done + b->n_compared,
                             (size_t)(b->n_done - b->n_compared));
    b->n_compared = b->n_done;
    return status;
}

static int ft__compare_done(void *user, int request) {
    ft__compare_batch *b = (ft__compare_batch *)user;
    ft__compare *c = b->compare;
    const int row = request / c->job->repeat / b->n;
    c->progress.done++;
    c->progress.seconds = ft__seconds() - c->started;
    if (++b->n_answers[row] == b->n * c->job->repeat) b->failed = ft__compare_row_done(c, b, row);
    if (b->failed && c->err) b->error = *c->err;
    if (b->failed) return 1;
    return c->desc->progress ? c->desc->progress(c->desc->user, &c->progress) : 0;
}

static ft_status ft__compare_generate(ft__compare *c, int m, ft__compare_batch *b) {
    ft_generate_hooks hooks = {b, ft__compare_done, NULL};
    ft_status status = ft__compare_requests(c, m, b);
    if (status || !b->n_requests) return status;
    status = ft_session_generate(b->session, b->requests, b->n_requests, b->completions, &hooks, c->err);
    if (status && b->failed && c->err) *c->err = b->error; /* the generation's is that it was stopped */
    if (status) return b->failed ? b->failed : status;
    ft_completions_free(b->session, b->completions, b->n_requests);
    return FT_OK;
}

/* Answers, where an evaluator looks at them, and likelihoods. */
static ft_status ft__compare_answer(ft__compare *c, int m) {
    ft__compare_batch b;
    ft_status status = ft__compare_open(c, m, &b);
    if (!status) status = ft__compare_generate(c, m, &b);
    if (!status && ft__evidence_any(c->job))
        status = ft__evidence_variants(c, b.session, b.variants, b.session_variants, b.n);
    if (!status) status = ft__tokens_rest(c, m, &b);
    ft_session_free(b.session);
    return status;
}

static void ft__compare_add_likelihoods(ft__sha256 *h, const ft_likelihood *l, int n) {
    for (int i = 0; i < n && l; i++) {
        uint64_t bits;
        memcpy(&bits, &l[i].logprob, sizeof bits);
        ft__compare_add_u32(h, (uint32_t)bits);
        ft__compare_add_u32(h, (uint32_t)(bits >> 32));
    }
}

/* Over all answers in the order of the rows: the row's id, which repetition, tokens, text, and the
   likelihoods that evaluators judge. */
static void ft__compare_answer_digest(const ft_result *r, int variant, char hex[65]) {
    ft__sha256 h;
    uint8_t digest[32];
    ft__sha256_init(&h);
    for (size_t i = 0; i < r->job->n_rows; i++) {
        for (int k = 0; k < r->job->repeat; k++) {
            const ft__answer *answer = ft__result_answer(r, i, variant, k);
            const char *id = r->job->rows[i].id;
            ft__sha256_add(&h, id, strlen(id) + 1);
            ft__compare_add_u32(&h, (uint32_t)k);
            ft__compare_add_u32(&h, (uint32_t)answer->finish);
            ft__compare_add_u32(&h, (uint32_t)answer->n_tokens);
            for (int t = 0; t < answer->n_tokens; t++)
                ft__compare_add_u32(&h, (uint32_t)answer->tokens[t]);
            ft__compare_add_u32(&h, (uint32_t)answer->text_len);
            if (answer->text_len) ft__sha256_add(&h, answer->text, answer->text_len);
            for (int e = 0; e < r->job->n_evaluators; e++) {
                if (!r->evidence[e]) continue;
                const ft__evidence *found = ft__result_evidence(r, e, i, variant, k);
                ft__compare_add_likelihoods(&h, found->options, found->n);
                ft__compare_add_likelihoods(&h, found->alone, found->n);
            }
        }
    }
    ft__sha256_end(&h, digest);
    ft__hex(digest, 32, hex);
}

/* ---- scoring */

/* One answer under every evaluator. */
static ft_status ft__compare_evaluate(ft__compare *c, size_t row, int variant, int repeat,
                                      ft_score *scores) {
    const ft_job *job = c->job;
    const ft__answer *answer = ft__result_answer(c->r, row, variant, repeat);
    for (int e = 0; e < job->n_evaluators; e++) {
        ft_score *s = &scores[e];
        memset(s, 0, sizeof *s);
        s->state = FT_NOT_APPLICABLE;
        if (!ft__job_applies(job, e, &job->rows[row])) continue;
        ft_output output = {answer->text, answer->text_len, NULL, NULL, 0};
        if (c->r->evidence[e]) {
            const ft__evidence *found = ft__result_evidence(c->r, e, row, variant, repeat);
            output.options = found->options;
            output.alone = found->alone;
            output.n_options = found->n;
        }
        ft_status status = ft_evaluate_output(job->evaluators[e].handle, &job->rows[row].row,
                                              &output, s, c->err);
        if (status) return status;
    }
    return FT_OK;
}

/* Adds one repetition to the row's score; the gravest state wins. */
static ft_status ft__compare_add_score(ft__compare *c, ft__row_score *sum, const ft_score *s,
                                       bool first) {
    static const int gravity[] = {0, 3, 1, 2}; /* scored, error, not applicable, missing */
    if (first || gravity[s->state] > gravity[sum->state]) {
        sum->state = s->state;
        sum->detail = "";
        if (s->state == FT_SCORE_ERROR || s->state == FT_MISSING)
            sum->detail = ft__arena_text(&c->r->arena, s->detail, strlen(s->detail));
        if (!sum->detail) return ft__fail_memory(c->err);
    }
    if (s->state != FT_SCORED) return FT_OK;
    sum->value += s->value;
    sum->pass += s->pass ? 1 : 0;
    return FT_OK;
}

static ft_status ft__compare_score_row(ft__compare *c, size_t row, int variant, ft_score *scores,
                                       ft__writer *journal, ft__buf *line) {
    const ft_job *job = c->job;
    for (int k = 0; k < job->repeat; k++) {
        ft_status status = ft__compare_evaluate(c, row, variant, k, scores);
        for (int e = 0; e < job->n_evaluators && !status; e++)
            status = ft__compare_add_score(c, ft__result_score(c->r, e, row, variant), &scores[e],
                                           k == 0);
        if (status) return status;
        if (!journal) continue;
        line->len = 0;
        ft__journal_row(c->r, row, variant, k, scores, line);
        status = line->failed ? ft__fail_memory(c->err)
                              : ft__writer_add(journal, line->data, line->len, c->err);
        if (status) return status;
    }
    for (int e = 0; e < job->n_evaluators; e++) {
        ft__row_score *sum = ft__result_score(c->r, e, row, variant);
        sum->value /= job->repeat;
        sum->pass /= job->repeat;
    }
    return FT_OK;
}

static ft_status ft__compare_score_all(ft__compare *c, ft__writer *journal) {
    const ft_job *job = c->job;
    ft_status status = FT_OK;
    ft__buf line;
    ft_score *scores =
        (ft_score *)ft__arena_alloc(&c->arena, (size_t)job->n_evaluators, sizeof *scores);
    if (!scores) return ft__fail_memory(c->err);
    ft__buf_init(&line, &job->allocator);
    for (size_t i = 0; i < job->n_rows && !status; i++)
        for (int v = 0; v < job->n_variants && !status; v++)
            status = ft__compare_score_row(c, i, v, scores, journal, &line);
    ft__buf_free(&line);
    return status;
}

static ft_status ft__compare_score(ft__compare *c) {
    const ft_job *job = c->job;
    ft__writer journal;
    if (!job->output) return ft__compare_score_all(c, NULL);
    const char *path = ft__path_join(&c->arena, job->output, "rows.jsonl");
    if (!path) return ft__fail_memory(c->err);
    ft_status status = ft__writer_open(&journal, path, &job->allocator, c->err);
    if (status) return status;
    status = ft__compare_score_all(c, &journal);
    if (!status) return ft__writer_commit(&journal, c->err);
    ft__writer_abort(&journal);
    return status;
}

/* ---- summing up.  Means are sums here, in the order of the rows, until the end. */

static void ft__compare_count(ft__numbers *n, const ft__row_score *s, double weight) {
    switch (s->state) {
    case FT_SCORED:
        n->n_scored++;
        n->weight += weight;
        n->mean += weight * s->value;
        n->pass += weight * s->pass;
        break;
    case FT_SCORE_ERROR: n->n_error++; break;
    case FT_MISSING: n->n_missing++; break;
    case FT_NOT_APPLICABLE: n->n_not_applicable++; break;
    }
}

FT__PRIV bool ft__row_unscored(const ft__row_score *s) {
    return s->state == FT_SCORE_ERROR || s->state == FT_MISSING;
}

static void ft__compare_pair(ft__numbers *n, const ft__row_score *base, const ft__row_score *s,
                             double weight, bool higher) {
    if (ft__row_unscored(base) || ft__row_unscored(s)) {
        n->n_unscored++;
    } else if (base->state == FT_SCORED && s->state == FT_SCORED) {
        double difference = s->value - base->value, gain = higher ? difference : -difference;
        n->n_pairs++;
        n->pair_weight += weight;
        n->difference += weight * difference;
        if (gain > 0)
            n->wins++;
        else if (gain < 0)
            n->losses++;
        else
            n->ties++;
    }
}

static void ft__compare_sum_row(const ft_result *r, int evaluator, size_t row, int cohort) {
    const ft__row_score *base = ft__result_score(r, evaluator, row, 0);
    const double weight = r->job->rows[row].weight;
    for (int v = 0; v < r->job->n_variants; v++) {
        const ft__row_score *s = ft__result_score(r, evaluator, row, v);
        ft__numbers *n = ft__table_at(&r->table, evaluator, cohort, v);
        if (weight == 0) {
            n->n_not_applicable++;
            continue;
        }
        ft__compare_count(n, s, weight);
        ft__compare_pair(n, base, s, weight, r->higher_is_better[evaluator]);
    }
}

static void ft__compare_sum_up(const ft_result *r) {
    const ft_job *job = r->job;
    for (int e = 0; e < job->n_evaluators; e++) {
        for (size_t i = 0; i < job->n_rows; i++) {
            const ft__data_row *row = &job->rows[i];
            for (int c = 0; c < row->n_cohorts; c++) ft__compare_sum_row(r, e, i, row->cohorts[c]);
            ft__compare_sum_row(r, e, i, (int)job->cohorts.n);
        }
        for (int c = 0; c < r->table.n_cohorts; c++) {
            for (int v = 0; v < job->n_variants; v++) {
                ft__numbers *n = ft__table_at(&r->table, e, c, v);
                if (n->n_scored) n->mean /= n->weight, n->pass /= n->weight;
                if (n->n_pairs) n->difference /= n->pair_weight;
            }
        }
    }
}

static ft_status ft__compare_judge(ft__compare *c) {
    const ft_job *job = c->job;
    ft__gate_in in;
    memset(&in, 0, sizeof in);
    const char **names =
        (const char **)ft__arena_alloc(&c->arena, (size_t)job->n_evaluators, sizeof *names);
    if (!names) return ft__fail_memory(c->err);
    for (int e = 0; e < job->n_evaluators; e++) names[e] = job->evaluators[e].name;
    in.file = job->path;
    in.rules = job->rules;
    in.n_rules = job->n_rules;
    in.cohorts = job->cohorts.names;
    in.n_cohorts = (int)job->cohorts.n;
    in.evaluators = names;
    in.higher_is_better = c->r->higher_is_better;
    in.table = c->r->table;
    return ft__gate(&in, &c->r->arena, &c->r->gate, c->err);
}

/* ---- the whole */

static ft_status ft__compare_run(ft__compare *c) {
    const ft_job *job = c->job;
    ft_result *r = c->r;
    ft__timing *t = &r->timing;
    ft_status status = ft__journal_clear(job, &c->arena, c->err);
    if (!status) status = ft__compare_allocate(c);
    if (!status) status = ft__compare_load(c);
    if (!status) status = ft__journal_begin(r, c->err);
    if (!status) status = ft__canary_check(c);
    if (!status && job->tokens) status = ft__tokens_begin(c);
    t->load_s = ft__seconds() - c->started;
    for (int m = 0; m < job->n_models && !status; m++)
        if (ft__compare_runs(job, m)) status = ft__compare_answer(c, m);
    if (!status) status = ft__evidence_judges(c);
    t->generate_s = ft__seconds() - c->started - t->load_s;
    if (!status) status = ft__compare_score(c);
    if (status) return status;
    ft__compare_sum_up(r);
    status = ft__aggregate_all(r, c->err);
    if (status) return status;
    for (int v = 0; v < job->n_variants; v++) ft__compare_answer_digest(r, v, r->answer_digests[v]);
    status = ft__compare_judge(c);
    if (!status) status = ft__journal_result(r, c->err);
    t->total_s = ft__seconds() - c->started;
    t->score_s = t->total_s - t->generate_s - t->load_s;
    t->threads = c->desc->threads > 0 ? c->desc->threads : ft__cpu_count();
    return status ? status : ft__journal_end(r, c->err);
}

static void ft__compare_close(ft__compare *c) {
    for (int v = 0; c->adapters && v < c->job->n_variants; v++) ft_adapter_free(c->adapters[v]);
    for (int m = c->job->n_models; c->models && m--;) ft_model_free(c->models[m].model); /* merged ones first */
    ft__arena_free(&c->arena);
}

ft_result *ft_compare(const ft_job *job, const ft_compare_desc *desc, ft_error *err) {
    ft_compare_desc defaults;
    ft__compare c;
    memset(&defaults, 0, sizeof defaults);
    memset(&c, 0, sizeof c);
    if (!job || (desc && desc->threads < 0)) {
        ft__fail(err, FT_ERR_ARGUMENT, NULL,
                 "ft_compare needs a job, and not a negative number of threads");
        return NULL;
    }
    ft_result *r = (ft_result *)ft__alloc_zero(&job->allocator, 1, sizeof *r);
    if (!r) {
        ft__fail_memory(err);
        return NULL;
    }
    r->allocator = job->allocator;
    r->job = job;
    ft__arena_init(&r->arena, &job->allocator);
    ft__buf_init(&r->json, &job->allocator);
    ft__arena_init(&c.arena, &job->allocator);
    c.job = job;
    c.desc = desc ? desc : &defaults;
    c.r = r;
    c.err = err;
    c.started = ft__seconds();
    ft_status status = ft__compare_run(&c);
    ft__compare_close(&c);
    if (!status) return r;
    ft_result_free(r);
    return NULL;
}

void ft_result_free(ft_result *result) {
    if (!result) return;
    ft_allocator a = result->allocator;
    ft__buf_free(&result->json);
    ft__arena_free(&result->arena);
    ft__free(&a, result);
}

ft_verdict ft_result_verdict(const ft_result *result) { return result->gate.verdict; }
const char *ft_result_digest(const ft_result *result) { return result->digest; }

const char *ft_result_json(const ft_result *result, size_t *n_bytes) {
    if (n_bytes) *n_bytes = result->json.len;
    return result->json.data;
}
