/* Generation of many requests at once: a place that becomes free is taken by the next request, as soon as
   there is memory for it, prompts and single tokens share batches, and each finished text is cut at its stop
   string. */
#include "run.h"

/* A request at work. */
typedef struct ft__gen_place {
    int index;          /* of its sequence among the places that run */
    int request;        /* -1: free */
    ft__buf text;
    int32_t *tokens;
    float *logprobs;    /* of the tokens, if wanted */
    size_t n_tokens, cap_tokens, cap_logprobs;
    size_t n_told;      /* bytes of the text that the hook has seen */
    float *logits;      /* (n_vocab) */
} ft__gen_place;

typedef struct ft__gen {
    ft_session *session;
    ft_request *requests; /* a copy with all defaults and all prompts as ids */
    int n_requests, n_taken;
    ft_completion *out;
    const ft_generate_hooks *hooks;
    ft__gen_place *places;
    int n_places;
    ft__places run;
    ft_feed *feeds;
    float *scratch;
    ft_error *err;
} ft__gen;

static ft_status ft__gen_tokenize(const ft__gen *g, ft_request *r, ft__arena *arena) {
    const ft_model *m = g->session->model;
    size_t n, cap = 3 * r->text_len + 3;
    int32_t *tokens = (int32_t *)ft__arena_alloc(arena, cap, sizeof *tokens);
    if (!tokens) return ft__fail_memory(g->err);
    ft_status status = ft_tokenize(m, r->text, r->text_len, r->flags, tokens, cap, &n, g->err);
    if (!status && n > INT_MAX) status = ft__fail(g->err, FT_ERR_CONTEXT, NULL, "the prompt is too long");
    r->prompt = tokens;
    r->n_prompt = (int)n;
    return status;
}

static ft_status ft__gen_prepare(ft__gen *g, const ft_request *requests, ft__arena *arena) {
    g->requests = (ft_request *)ft__arena_alloc(arena, (size_t)g->n_requests, sizeof *g->requests);
    if (!g->requests) return ft__fail_memory(g->err);
    ft_status status = FT_OK;
    for (int i = 0; i < g->n_requests && !status; i++) {
        ft_request *r = &g->requests[i];
        *r = requests[i];
        if (!r->max_tokens) r->max_tokens = 128;
        if (!r->prompt && r->text) status = ft__gen_tokenize(g, r, arena);
    }
    return status;
}

/* Tokens that a request is fed at most: the last one that it makes is not. */
static int ft__gen_most(const ft_request *r) { return r->n_prompt + r->max_tokens - 1; }

static ft_status ft__gen_check(const ft__gen *g) {
    for (int i = 0; i < g->n_requests; i++) {
        const ft_request *r = &g->requests[i];
        char where[32];
        snprintf(where, sizeof where, "request %d", i);
        if (!r->prompt)
            return ft__fail(g->err, FT_ERR_ARGUMENT, where, "there is neither a prompt nor a text");
        if (r->n_prompt < 1 || r->max_tokens < 1)
            return ft__fail(g->err, FT_ERR_ARGUMENT, where, "%d prompt tokens and max_tokens %d, expected at "
                            "least 1 of each", r->n_prompt, r->max_tokens);
        if (r->n_prompt > g->session->n_ctx || r->max_tokens > g->session->n_ctx - r->n_prompt)
            return ft__fail(g->err, FT_ERR_CONTEXT, where,
                            "a prompt of %d tokens and max_tokens %d are over the context of %d",
                            r->n_prompt, r->max_tokens, g->session->n_ctx);
        for (int s = 0; s < r->n_stops; s++)
            if (!r->stops[s] || !r->stops[s][0])
                return ft__fail(g->err, FT_ERR_ARGUMENT, where, "stop string %d is empty", s);
        ft_status status = ft__session_check_variant(g->session, r->variant, where, g->err);
        if (!status) status = ft__session_check_tokens(g->session, r->prompt, r->n_prompt, where, g->err);
        if (!status) status = ft__places_check(g->session, ft__gen_most(r), where, g->err);
        if (status) return status;
    }
    return FT_OK;
}

/* The next request, if there is memory for it; *fits says so. */
static ft_status ft__gen_take(ft__gen *g, ft__gen_place *p, bool *fits) {
    const ft_request *r = &g->requests[g->n_taken];
    const ft__place place = {-1, r->variant, r->prompt, r->n_prompt, r->n_prompt - 1, ft__gen_most(r), 0,
                             false, false}; /* the prompt's last token is always computed, for its logits */
    ft_status status = ft__places_start(&g->run, p->index, &place, fits, g->err);
    if (status || !*fits) return status;
    p->request = g->n_taken++;
    p->n_tokens = p->cap_tokens = p->cap_logprobs = p->n_told = 0;
    p->tokens = NULL;
    p->logprobs = NULL;
    ft__buf_init(&p->text, &g->session->allocator);
    ft__buf_text(&p->text, "");
    return p->text.failed ? ft__fail_memory(g->err) : FT_OK;
}

/* Where the first stop string begins in the text, looking only where one can have ended newly. */
static size_t ft__gen_find_stop(const ft__buf *text, size_t n_before, const ft_request *r) {
    size_t found = SIZE_MAX;
    for (int s = 0; s < r->n_stops; s++) {
        size_t n = strlen(r->stops[s]), at = n_before >= n ? n_before - n + 1 : 0;
        for (; at + n <= text->len && at < found; at++)
            if (memcmp(text->data + at, r->stops[s], n) == 0) found = at;
    }
    return found;
}

/* Bytes at the end of the text that may still become a stop string or a whole character. */
static size_t ft__gen_held_back(const ft__buf *text, const ft_request *r) {
    size_t held = ft__utf8_incomplete_tail(text->data, text->len);
    for (int s = 0; s < r->n_stops; s++)
        for (size_t n = strlen(r->stops[s]) - 1; n > held; n--)
            if (n <= text->len && memcmp(text->data + text->len - n, r->stops[s], n) == 0) held = n;
    return held;
}

static ft_status ft__gen_tell(ft__gen *g, ft__gen_place *p, size_t up_to) {
    if (!g->hooks || !g->hooks->text || up_to <= p->n_told) return FT_OK;
    const char *bytes = p->text.data + p->n_told;
    size_t n = up_to - p->n_told;
    p->n_told = up_to;
    if (g->hooks->text(g->hooks->user, p->request, bytes, n) == 0) return FT_OK;
    return ft__fail(g->err, FT_ERR_CANCELLED, NULL, "the text callback asked to stop");
}

static void ft__gen_release(ft__gen *g, ft__gen_place *p) {
    if (p->request < 0) return;
    ft__places_end(&g->run, p->index);
    ft__buf_free(&p->text);
    ft__free(&g->session->allocator, p->tokens);
    ft__free(&g->session->allocator, p->logprobs);
    p->request = -1;
}

static ft_status ft__gen_finish(ft__gen *g, ft__gen_place *p, ft_finish finish) {
    ft_status status = ft__gen_tell(g, p, p->text.len);
    if (status) return status;
    ft_completion *c = &g->out[p->request];
    c->tokens = p->tokens;
    c->n_tokens = (int)p->n_tokens;
    c->text = p->text.data;
    c->text_len = p->text.len;
    c->finish = finish;
    c->logprobs = p->logprobs;
    p->tokens = NULL;
    p->logprobs = NULL;
    p->text.data = NULL;
    int request = p->request;
    ft__gen_release(g, p);
    if (!g->hooks || !g->hooks->done || g->hooks->done(g->hooks->user, request) == 0) return FT_OK;
    return ft__fail(g->err, FT_ERR_CANCELLED, NULL, "the progress callback asked to stop");
}

/* Takes the place's logits one token further. */
static ft_status ft__gen_step(ft__gen *g, ft__gen_place *p) {
    const ft_request *r = &g->requests[p->request];
    const ft_session *s = g->session;
    ft_draw draw = {r->row, r->variant_key, (uint32_t)(r->n_prompt + (int)p->n_tokens)};
    int token = ft_sample(p->logits, s->model->info.n_vocab, &r->sampling, &draw, g->scratch);
    if (ft__vocab_is_end(s->model->vocab, token)) return ft__gen_finish(g, p, FT_FINISH_END);
    size_t n_before = p->text.len, n_piece;
    const char *piece = ft__vocab_piece(s->model->vocab, token, &n_piece);
    ft__buf_add(&p->text, piece, n_piece);
    if (p->text.failed || !ft__grow(&s->allocator, (void **)&p->tokens, &p->cap_tokens, p->n_tokens + 1,
                                    sizeof *p->tokens))
        return ft__fail_memory(g->err);
    if (r->want_logprobs && !ft__grow(&s->allocator, (void **)&p->logprobs, &p->cap_logprobs, p->n_tokens + 1,
                                      sizeof *p->logprobs))
        return ft__fail_memory(g->err);
    if (r->want_logprobs) p->logprobs[p->n_tokens] = ft__logprob(p->logits, s->model->info.n_vocab, token);
    p->tokens[p->n_tokens++] = token;
    size_t stop = ft__gen_find_stop(&p->text, n_before, r);
    if (stop != SIZE_MAX) {
        p->text.len = stop;
        p->text.data[stop] = 0;
        return ft__gen_finish(g, p, FT_FINISH_STOP);
    }
    if ((int)p->n_tokens == r->max_tokens) return ft__gen_finish(g, p, FT_FINISH_LENGTH);
    return ft__gen_tell(g, p, p->text.len - ft__gen_held_back(&p->text, r));
}

/* What a place is fed: its prompt, as far as it is not there already, and then token by token. */
static ft_feed ft__gen_feed(const ft__gen *g, const ft__gen_place *p) {
    const ft_request *r = &g->requests[p->request];
    const int at = ft__places_n_tokens(&g->run, p->index);
    ft_feed feed = {g->run.items[p->index].sequence, r->prompt + at, r->n_prompt - at, p->logits, NULL};
    if (at < r->n_prompt) return feed;
    feed.tokens = p->tokens + p->n_tokens - 1;
    feed.n_tokens = 1;
    return feed;
}

/* One batch: what every place wants next. */
static ft_status ft__gen_round(ft__gen *g) {
    int n_feeds = 0;
    bool fits = true;
    ft_status status = FT_OK;
    ft__places_round(&g->run);
    for (int i = 0; i < g->n_places && !status; i++) {
        ft__gen_place *p = &g->places[i];
        if (p->request < 0 && g->n_taken < g->n_requests && fits) status = ft__gen_take(g, p, &fits);
        if (status || p->request < 0 || !ft__places_ready(&g->run, i)) continue;
        g->feeds[n_feeds++] = ft__gen_feed(g, p);
    }
    if (!status) status = ft_session_decode(g->session, g->feeds, n_feeds, g->err);
    for (int i = 0; i < g->n_places && !status; i++) {
        if (!g->run.items[i].fed) continue;
        ft__places_learn(&g->run, i, g->places[i].tokens);
        status = ft__gen_step(g, &g->places[i]);
    }
    return status;
}

static bool ft__gen_busy(const ft__gen *g) {
    for (int i = 0; i < g->n_places; i++)
        if (g->places[i].request >= 0) return true;
    return g->n_taken < g->n_requests;
}

static ft_status ft__gen_run(ft__gen *g, ft__arena *arena) {
    const size_t V = (size_t)g->session->model->info.n_vocab, n = (size_t)g->n_places;
    g->places = (ft__gen_place *)ft__arena_alloc(arena, n, sizeof *g->places);
    g->feeds = (ft_feed *)ft__arena_alloc(arena, n, sizeof *g->feeds);
    g->scratch = (float *)ft__arena_alloc(arena, V, sizeof(float));
    ft__places_init(&g->run, g->session, g->n_places, arena);
    for (size_t i = 0; i < n && g->places; i++) {
        g->places[i].index = (int)i;
        g->places[i].request = -1;
        g->places[i].logits = (float *)ft__arena_alloc(arena, V, sizeof(float));
    }
    ft_status status = arena->failed ? ft__fail_memory(g->err) : FT_OK;
    while (!status && ft__gen_busy(g)) status = ft__gen_round(g);
    return status;
}

ft_status ft_session_generate(ft_session *session, const ft_request *requests, int n_requests,
                              ft_completion *out, const ft_generate_hooks *hooks, ft_error *err) {
    ft__arena arena;
    ft__gen g;
    if (n_requests < 1) return FT_OK;
    memset(&g, 0, sizeof g);
    memset(out, 0, (size_t)n_requests * sizeof *out);
    g.session = session;
    g.n_requests = n_requests;
    g.out = out;
    g.hooks = hooks;
    g.err = err;
    g.n_places = n_requests < session->max_sequences ? n_requests : session->max_sequences;
    ft__arena_init(&arena, &session->allocator);
    ft_status status = ft__gen_prepare(&g, requests, &arena);
    if (!status) status = ft__gen_check(&g);
    if (!status) status = ft__gen_run(&g, &arena);
    for (int i = 0; i < g.n_places && g.places; i++) ft__gen_release(&g, &g.places[i]);
    if (status) ft_completions_free(session, out, n_requests);
    ft__arena_free(&arena);
    return status;
}

void ft_completions_free(ft_session *session, ft_completion *completions, int n) {
    for (int i = 0; i < n && completions; i++) {
        ft__free(&session->allocator, completions[i].tokens);
        ft__free(&session->allocator, completions[i].text);
        ft__free(&session->allocator, completions[i].logprobs);
        completions[i].tokens = NULL;
        completions[i].logprobs = NULL;
        completions[i].text = NULL;
    }
}

/* ---- one text, written */

typedef struct ft__gen_out {
    ft_write_fn write;
    void *user;
} ft__gen_out;

static int ft__gen_write(void *user, int request, const char *bytes, size_t n) {
    const ft__gen_out *out = (const ft__gen_out *)user;
    (void)request;
    return out->write(out->user, bytes, n);
}

ft_status ft_session_write_text(ft_session *session, const ft_request *request, ft_write_fn write, void *user,
                                ft_error *err) {
    ft__gen_out out = {write, user};
    const ft_generate_hooks hooks = {&out, NULL, ft__gen_write};
    ft_completion completion;
    ft_status status = ft_session_generate(session, request, 1, &completion, &hooks, err);
    if (status) return status;
    ft_completions_free(session, &completion, 1);
    return write(user, "\n", 1) == 0 ? FT_OK : ft__fail(err, FT_ERR_CANCELLED, NULL, "the output was refused");
}
