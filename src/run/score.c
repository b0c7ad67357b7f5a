/* Log-probs of given texts.  The logits of a few positions at a time stand in one buffer, whichever sequences
   they are of; what comes before the first token to score asks for none, and may come from others' pages. */
#include "run.h"

enum { FT__SCORE_ROWS = 64 };

typedef struct ft__score_row {
    const ft_score_request *request;
    int token; /* that comes after these logits */
} ft__score_row;

typedef struct ft__score_run {
    ft__places places;
    const ft_score_request **at; /* (places) */
    const ft_score_request *requests;
    int n_requests, n_taken;
    ft_feed *feeds;              /* (places) */
    float *logits;               /* (max_rows, n_vocab) */
    ft__score_row *rows;
    int n_rows, max_rows;
    const ft__score_hook *hook;
    ft_error *err;
} ft__score_run;

typedef struct ft__score_norm {
    double largest, log_sum;
} ft__score_norm;

static ft__score_norm ft__score_normalize(const float *logits, int n) {
    float largest = logits[0];
    double sum = 0;
    for (int i = 1; i < n; i++) largest = logits[i] > largest ? logits[i] : largest;
    for (int i = 0; i < n; i++) sum += ft__exp((double)logits[i] - (double)largest);
    ft__score_norm norm = {(double)largest, ft__log(sum)};
    return norm;
}

static float ft__score_of(const ft__score_norm *norm, float logit) {
    return (float)((double)logit - norm->largest - norm->log_sum);
}

FT__PRIV float ft__logprob(const float *logits, int n_vocab, int32_t token) {
    ft__score_norm norm = ft__score_normalize(logits, n_vocab);
    return ft__score_of(&norm, logits[token]);
}

/* The k largest, by insertion: after the first few, hardly any id gets in. */
static void ft__score_top(const float *logits, int n, int k, int32_t *top) {
    int n_top = 0;
    for (int i = 0; i < n; i++) {
        if (n_top == k && !(logits[i] > logits[top[k - 1]])) continue;
        int at = n_top < k ? n_top++ : k - 1;
        for (; at > 0 && logits[i] > logits[top[at - 1]]; at--) top[at] = top[at - 1];
        top[at] = i;
    }
}

static int ft__score_first(const ft_score_request *r) { return r->first ? r->first : 1; }

static void ft__score_row_part(void *user, int part) {
    const ft__score_run *g = (const ft__score_run *)user;
    const ft_score_request *r = g->rows[part].request;
    const int n = g->places.session->model->info.n_vocab, token = g->rows[part].token;
    const float *logits = g->logits + (size_t)part * (size_t)n;
    if (g->hook) g->hook->row(g->hook->user, (int)(r - g->requests), token, logits);
    if (!r->logprobs && !r->top_k) return;
    const ft__score_norm norm = ft__score_normalize(logits, n);
    const size_t at = (size_t)(token - ft__score_first(r)), top_at = at * (size_t)r->top_k;
    if (r->logprobs) r->logprobs[at] = ft__score_of(&norm, logits[r->tokens[token]]);
    if (!r->top_k) return;
    ft__score_top(logits, n, r->top_k, r->top_tokens + top_at);
    for (int k = 0; k < r->top_k && r->top_logprobs; k++)
        r->top_logprobs[top_at + (size_t)k] = ft__score_of(&norm, logits[r->top_tokens[top_at + (size_t)k]]);
}

static ft_status ft__score_check(const ft_session *s, const ft_score_request *r, int i, ft_error *err) {
    char where[32];
    snprintf(where, sizeof where, "request %d", i);
    if (r->n_tokens < 2 || r->first < 0 || r->first >= r->n_tokens)
        return ft__fail(err, FT_ERR_ARGUMENT, where, "%d tokens, the first to score %d: expected at least 2, and "
                        "one after the first", r->n_tokens, r->first);
    if (r->top_k < 0 || r->top_k > s->model->info.n_vocab || (r->top_k && !r->top_tokens))
        return ft__fail(err, FT_ERR_ARGUMENT, where, "top_k %d: expected 0 to %d, and top_tokens for them",
                        r->top_k, s->model->info.n_vocab);
    if (r->n_tokens > s->n_ctx)
        return ft__fail(err, FT_ERR_CONTEXT, where, "%d tokens are over the context of %d", r->n_tokens, s->n_ctx);
    ft_status status = ft__session_check_variant(s, r->variant, where, err);
    if (!status) status = ft__session_check_tokens(s, r->tokens, r->n_tokens, where, err);
    return status ? status : ft__places_check(s, r->n_tokens - 1, where, err);
}

/* Requests start in their order: one that does not fit holds up those behind it. */
static ft_status ft__score_take(ft__score_run *g) {
    ft_status status = FT_OK;
    bool fits = true;
    for (int i = 0; i < g->places.n && g->n_taken < g->n_requests && fits && !status; i++) {
        const ft_score_request *r = &g->requests[g->n_taken];
        const int n = r->n_tokens - 1; /* nothing is asked of the last one's logits */
        ft__place place = {-1, r->variant, r->tokens, n, ft__score_first(r) - 1, n, 0, false, false};
        if (g->places.items[i].sequence >= 0) continue;
        status = ft__places_start(&g->places, i, &place, &fits, g->err);
        if (!status && fits) g->at[i] = r, g->n_taken++;
    }
    return status;
}

/* What place i is fed: its context, or as many tokens as it has rows for logits. */
static ft_feed ft__score_feed(ft__score_run *g, int i, int share) {
    const ft_score_request *r = g->at[i];
    const int at = ft__places_n_tokens(&g->places, i), context = ft__score_first(r) - 1;
    int n = at < context ? context - at : r->n_tokens - 1 - at;
    ft_feed feed = {g->places.items[i].sequence, r->tokens + at, n, NULL, NULL};
    if (at < context) return feed;
    if (n > share) feed.n_tokens = n = share;
    feed.all_logits = g->logits + (size_t)g->n_rows * (size_t)g->places.session->model->info.n_vocab;
    for (int t = 0; t < n; t++) {
        ft__score_row row = {r, at + t + 1};
        g->rows[g->n_rows++] = row;
    }
    return feed;
}

static ft_status ft__score_round(ft__score_run *g) {
    ft_session *s = g->places.session;
    int n_feeds = 0, n_busy = 0;
    ft_status status = ft__score_take(g);
    g->n_rows = 0;
    ft__places_round(&g->places);
    for (int i = 0; i < g->places.n; i++) n_busy += g->places.items[i].sequence >= 0;
    for (int i = 0; i < g->places.n && !status; i++)
        if (g->places.items[i].sequence >= 0 && ft__places_ready(&g->places, i))
            g->feeds[n_feeds++] = ft__score_feed(g, i, g->max_rows / n_busy);
    if (!status) status = ft_session_decode(s, g->feeds, n_feeds, g->err);
    if (status) return status;
    ft__pool_run(s->pool, ft__score_row_part, g, g->n_rows);
    for (int i = 0; i < g->places.n; i++) {
        if (!g->places.items[i].fed) continue;
        ft__places_learn(&g->places, i, NULL);
        if (ft__places_n_tokens(&g->places, i) == g->at[i]->n_tokens - 1) ft__places_end(&g->places, i);
    }
    return FT_OK;
}

static bool ft__score_busy(const ft__score_run *g) {
    for (int i = 0; i < g->places.n; i++)
        if (g->places.items[i].sequence >= 0) return true;
    return g->n_taken < g->n_requests;
}

FT__PRIV ft_status ft__score(ft_session *s, const ft_score_request *requests, int n_requests,
                             const ft__score_hook *hook, ft_error *err) {
    ft__arena arena;
    ft__score_run g;
    const int n = n_requests < s->max_sequences ? n_requests : s->max_sequences;
    ft_status status = FT_OK;
    for (int i = 0; i < n_requests && !status; i++) status = ft__score_check(s, &requests[i], i, err);
    if (status || n_requests < 1) return status;
    memset(&g, 0, sizeof g);
    g.requests = requests;
    g.n_requests = n_requests;
    g.max_rows = n > FT__SCORE_ROWS ? n : (int)FT__SCORE_ROWS;
    g.hook = hook;
    g.err = err;
    ft__arena_init(&arena, &s->allocator);
    g.at = (const ft_score_request **)ft__arena_alloc(&arena, (size_t)n, sizeof *g.at);
    g.feeds = (ft_feed *)ft__arena_alloc(&arena, (size_t)n, sizeof *g.feeds);
    g.rows = (ft__score_row *)ft__arena_alloc(&arena, (size_t)g.max_rows, sizeof *g.rows);
    g.logits = (float *)ft__arena_alloc(&arena, (size_t)g.max_rows, sizeof(float) * (size_t)s->model->info.n_vocab);
    if (!ft__places_init(&g.places, s, n, &arena) || arena.failed) status = ft__fail_memory(err);
    while (!status && ft__score_busy(&g)) status = ft__score_round(&g);
    for (int i = 0; i < g.places.n; i++) ft__places_end(&g.places, i);
    ft__arena_free(&arena);
    return status;
}

ft_status ft_session_score(ft_session *s, const ft_score_request *requests, int n_requests, ft_error *err) {
    return ft__score(s, requests, n_requests, NULL, err);
}
