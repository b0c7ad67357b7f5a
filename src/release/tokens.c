/* Base and candidates token by token.  Once a row is answered, both read the same text behind its prompt: what
   the row expects or, where it expects no text, what the base answered; and greedy answers are held against
   each other.  A candidate that reads other tokens than the base (another vocabulary, another chat template)
   cannot be compared so and has no numbers. */
#include "release.h"

/* The row's expected text as a request, behind the base's prompt; *text stays NULL if it has none. */
static ft_status ft__tokens_expected(ft__compare *c, size_t row, ft__arena *arena,
                                     const ft_text_request **text) {
    const ft__compare_model *m = &c->models[0];
    const ft__json *expected = ft__row_get(&c->job->rows[row].row, "expected");
    ft__view v = {NULL, 0}, prompt = m->texts[row];
    if (expected) v = ft__json_as_text(expected);
    if (!v.text || !v.n) return FT_OK;
    const bool blank = !c->job->templated && ft__text_needs_blank(prompt, v);
    ft_text_request *r = (ft_text_request *)ft__arena_alloc(arena, 1, sizeof *r);
    char *copy = (char *)ft__arena_alloc(arena, v.n + 1, 1);
    if (!r || !copy) return ft__fail_memory(c->err);
    if (blank) copy[0] = ' ';
    memcpy(copy + blank, v.text, v.n);
    r->prompt = prompt.text;
    r->prompt_len = prompt.n;
    r->text = copy;
    r->text_len = v.n + blank;
    r->flags = m->flags;
    *text = r;
    return FT_OK;
}

static ft_status ft__tokens_request(ft__compare *c, size_t row, int variant, ft__arena *arena,
                                    ft_diverge_request *q) {
    const ft__answer *base = ft__result_answer(c->r, row, 0, 0);
    const ft__answer *answer = ft__result_answer(c->r, row, variant, 0);
    q->prompt = c->models[0].prompts[row];
    q->n_prompt = c->models[0].n_prompt[row];
    if (base->text && c->job->sampling.temperature == 0) {
        q->base_output = base->tokens;
        q->n_base_output = base->n_tokens;
        q->output = answer->tokens;
        q->n_output = answer->n_tokens;
    } else if (base->text) { /* drawn: what they wrote is no greedy output, but a text that both can read */
        q->reference = base->tokens;
        q->n_reference = base->n_tokens;
    }
    const ft_text_request *text = NULL;
    ft_status status = ft__tokens_expected(c, row, arena, &text);
    if (text) q->text = text, q->reference = NULL;
    return status;
}

/* What the alternatives are as text; control tokens as they are spelled. */
static ft_status ft__tokens_pieces(ft__compare *c, const ft_alternative *top, int n, ft__view *out) {
    const ft_model *m = c->models[0].model;
    for (int i = 0; i < n; i++) {
        size_t n_text = 0;
        const char *text = ft_token_spelling(m, top[i].token, &n_text);
        char buffer[256];
        size_t n_plain = 0;
        ft_status status = ft_detokenize(m, &top[i].token, 1, buffer, sizeof buffer, &n_plain, NULL);
        if (status == FT_ERR_MEMORY) return ft__fail_memory(c->err);
        if (!status && n_plain) text = buffer, n_text = n_plain;
        out[i].text = ft__arena_text(&c->r->arena, text, n_text);
        out[i].n = n_text;
        if (!out[i].text) return ft__fail_memory(c->err);
    }
    return FT_OK;
}

FT__PRIV ft_status ft__tokens_begin(ft__compare *c) {
    for (int v = 1; v < c->job->n_variants; v++) {
        if (!ft__canary_same_prompts(c, c->job->variants[v].model)) continue;
        c->r->tokens[v] = (ft__row_tokens *)ft__arena_alloc(&c->r->arena, c->job->n_rows, sizeof **c->r->tokens);
        if (!c->r->tokens[v]) return ft__fail_memory(c->err);
    }
    return FT_OK;
}

static ft_status ft__tokens_candidate(ft__compare *c, int variant, ft_reader base, ft_reader candidate,
                                      const size_t *rows, size_t n, ft__arena *arena) {
    ft_diverge_request *requests = (ft_diverge_request *)ft__arena_alloc(arena, n, sizeof *requests);
    ft_divergence *found = (ft_divergence *)ft__arena_alloc(arena, n, sizeof *found);
    ft_status status = requests && found ? FT_OK : ft__fail_memory(c->err);
    for (size_t i = 0; i < n && !status; i++)
        status = ft__tokens_request(c, rows[i], variant, arena, &requests[i]);
    if (!status) status = ft_diverge(base, candidate, requests, (int)n, found, c->err);
    for (size_t i = 0; i < n && !status; i++) {
        ft__row_tokens *row = &c->r->tokens[variant][rows[i]];
        row->d = found[i];
        status = ft__tokens_pieces(c, found[i].base_top, found[i].n_top, row->base_top);
        if (!status) status = ft__tokens_pieces(c, found[i].top, found[i].n_top, row->top);
    }
    return status;
}

FT__PRIV ft_status ft__tokens_rows(ft__compare *c, ft_session *base, const ft__compare_batch *b, const size_t *rows,
                                   size_t n_rows) {
    ft_status status = FT_OK;
    ft__arena arena;
    ft__arena_init(&arena, &c->job->allocator);
    for (int i = 0; i < b->n && n_rows && !status; i++) {
        const ft_reader reads = {base, 0}, candidate = {b->session, b->session_variants[i]};
        if (c->r->tokens[b->variants[i]])
            status = ft__tokens_candidate(c, b->variants[i], reads, candidate, rows, n_rows, &arena);
    }
    ft__arena_free(&arena);
    return status;
}

FT__PRIV ft_status ft__tokens_rest(ft__compare *c, int m, const ft__compare_batch *b) {
    const ft_job *job = c->job;
    ft__compare_batch base;
    ft_status status = FT_OK;
    size_t n = 0, *rows = (size_t *)ft__arena_alloc(&c->arena, job->n_rows, sizeof *rows);
    if (!rows) return ft__fail_memory(c->err);
    for (size_t i = 0; i < job->n_rows; i++)
        if (m || !ft__evidence_text_wanted(job, &job->rows[i])) rows[n++] = i;
    if (m == 0) return ft__tokens_rows(c, b->session, b, rows, n);
    if (b->n == 0 || !c->r->tokens[b->variants[0]]) return FT_OK;
    status = ft__compare_open(c, 0, &base);
    if (!status) status = ft__tokens_rows(c, base.session, b, rows, n);
    ft_session_free(base.session);
    return status;
}

static bool ft__tokens_in_cohort(const ft_result *r, size_t row, int cohort) {
    const ft__data_row *data = &r->job->rows[row];
    bool in = (size_t)cohort == r->job->cohorts.n;
    for (int c = 0; c < data->n_cohorts && !in; c++) in = data->cohorts[c] == cohort;
    return in;
}

FT__PRIV bool ft__tokens_sum(const ft_result *r, int cohort, int variant, ft__token_sums *sums) {
    memset(sums, 0, sizeof *sums);
    for (size_t i = 0; r->tokens[variant] && i < r->job->n_rows; i++) {
        const ft_divergence *d = &r->tokens[variant][i].d;
        const double w = r->job->rows[i].weight;
        if (w == 0 || !ft__tokens_in_cohort(r, i, cohort)) continue;
        sums->n_rows += d->n_tokens > 0;
        sums->n_places += d->n_tokens;
        sums->places += w * d->n_tokens;
        sums->kl += w * d->kl_sum;
        sums->agree += w * d->n_agree;
        sums->base_logprob += w * d->base_logprob;
        sums->logprob += w * d->logprob;
        if (d->kl_max > sums->kl_max) sums->kl_max = d->kl_max;
        sums->n_outputs += d->compared;
        sums->n_same += d->compared && d->first_difference < 0;
        sums->n_output += d->n_output;
        sums->output += w * d->n_output;
        sums->accepted += w * d->n_accepted;
        sums->drafts += w * d->n_drafts;
        sums->draft_accepted += w * d->n_draft_accepted;
    }
    return r->tokens[variant] != NULL;
}
