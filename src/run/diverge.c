/* How far a candidate is from its base, token by token.  Both read the same texts: a slice of the references'
   places at a time, whose logits of the base stand in one buffer until the candidate's come.  Then the base
   reads what the candidate wrote, which tells what it would have drafted, and at the first token in which
   their outputs differ both are asked for their likeliest ones.  Each place is one sum over the vocabulary in
   the order of the ids, and places are added up in their order: slices, threads and company show in no bit. */
#include "run.h"

enum { FT__DIVERGE_ITEMS = 64, FT__DIVERGE_PLACES = 512, FT__DIVERGE_BYTES = 1 << 25, FT__DIVERGE_DRAFT = 4 };

/* Some of a request's reference, and perhaps its outputs. */
typedef struct ft__diverge_item {
    int request;
    const int32_t *tokens; /* the prompt and the reference */
    int from, to;          /* those of the reference that are read now; equal: none */
    int place;             /* of the first one, among the slice's */
    bool outputs;
    int32_t *top[2];       /* (places, FT_ALTERNATIVES) base and candidate, from the first difference on */
    float *top_logprobs[2];
} ft__diverge_item;

typedef struct ft__diverge_place {
    double kl;
    float logprob[2];
    bool agree, changed;
} ft__diverge_place;

typedef struct ft__diverge {
    ft_reader readers[2]; /* base, candidate */
    const ft_diverge_request *requests;
    ft_divergence *out;
    int n_vocab, n_top;
    float *logits; /* (max_places, n_vocab) of the base */
    ft__diverge_place *places;
    int n_places, max_places;
    ft__diverge_item items[FT__DIVERGE_ITEMS];
    int n_items;
    ft_score_request scores[2 * FT__DIVERGE_ITEMS];
    int item_of[2 * FT__DIVERGE_ITEMS]; /* -1: an output */
    ft__arena texts, slice;             /* references; outputs and alternatives of a slice */
    ft_error *err;
} ft__diverge;

/* ---- one place */

/* KL(p || q) = sum p_i (log p_i - log q_i), with p_i = e^x_i / P, q_i = e^y_i / Q and x, y the logits less their
   largest: sum e^x_i (x_i - y_i) / P + log Q - log P. */
static void ft__diverge_compare(const float *base, const float *candidate, int n, int32_t token,
                                ft__diverge_place *place) {
    int best_p = 0, best_q = 0;
    double sum_p = 0, sum_q = 0, weighted = 0;
    for (int i = 1; i < n; i++) {
        if (base[i] > base[best_p]) best_p = i;
        if (candidate[i] > candidate[best_q]) best_q = i;
    }
    const double largest_p = (double)base[best_p], largest_q = (double)candidate[best_q];
    for (int i = 0; i < n; i++) {
        const double x = (double)base[i] - largest_p, y = (double)candidate[i] - largest_q, e = ft__exp(x);
        sum_p += e;
        sum_q += ft__exp(y);
        weighted += e * (x - y);
    }
    const double log_p = ft__log(sum_p), log_q = ft__log(sum_q), kl = weighted / sum_p + (log_q - log_p);
    place->kl = kl > 0 ? kl : 0; /* rounding may leave less */
    place->logprob[0] = (float)((double)base[token] - largest_p - log_p); /* as ft_session_score has it */
    place->logprob[1] = (float)((double)candidate[token] - largest_q - log_q);
    place->agree = best_p == best_q;
    place->changed = memcmp(base, candidate, (size_t)n * sizeof *base) != 0;
}

/* Where logits of a reference belong; NULL: they are an output's. */
static ft__diverge_item *ft__diverge_item_of(ft__diverge *d, int request, int token, int *place) {
    if (d->item_of[request] < 0) return NULL;
    ft__diverge_item *item = &d->items[d->item_of[request]];
    *place = item->place + token - item->from;
    return item;
}

static void ft__diverge_keep_row(void *user, int request, int token, const float *logits) {
    ft__diverge *d = (ft__diverge *)user;
    int place;
    if (ft__diverge_item_of(d, request, token, &place))
        memcpy(d->logits + (size_t)place * (size_t)d->n_vocab, logits, (size_t)d->n_vocab * sizeof *logits);
}

static void ft__diverge_compare_row(void *user, int request, int token, const float *logits) {
    ft__diverge *d = (ft__diverge *)user;
    int place;
    const ft__diverge_item *item = ft__diverge_item_of(d, request, token, &place);
    if (item)
        ft__diverge_compare(d->logits + (size_t)place * (size_t)d->n_vocab, logits, d->n_vocab, item->tokens[token],
                            &d->places[place]);
}

/* ---- a slice */

static int ft__diverge_common(const ft_diverge_request *r) {
    int n = 0;
    while (n < r->n_output && n < r->n_base_output && r->output[n] == r->base_output[n]) n++;
    return n;
}

/* What a reader is asked about the outputs: the base about all that the candidate wrote after the first
   difference, the candidate about that place alone. */
static ft_status ft__diverge_ask_outputs(ft__diverge *d, ft__diverge_item *item, int side,
                                         ft_score_request *score) {
    const ft_diverge_request *r = &d->requests[item->request];
    const int common = d->out[item->request].first_difference, first = r->n_prompt + common;
    int n = side ? 1 : r->n_output - common;
    if (n < 1) n = 1; /* the candidate's output has ended: what comes then is asked, too */
    const size_t n_tops = (size_t)n * (size_t)d->n_top;
    int32_t *tokens = (int32_t *)ft__arena_alloc(&d->slice, (size_t)(first + n), sizeof *tokens);
    item->top[side] = (int32_t *)ft__arena_alloc(&d->slice, n_tops, sizeof(int32_t));
    item->top_logprobs[side] = (float *)ft__arena_alloc(&d->slice, n_tops, sizeof(float));
    if (d->slice.failed) return ft__fail_memory(d->err);
    for (int t = 0; t < first + n; t++)
        tokens[t] = t < r->n_prompt ? r->prompt[t]
                    : t < r->n_prompt + r->n_output ? r->output[t - r->n_prompt]
                                                    : 0; /* any token: nothing is asked after it */
    ft_score_request ask = {d->readers[side].variant, tokens, first + n, first, NULL,
                            d->n_top, item->top[side], item->top_logprobs[side]};
    *score = ask;
    return FT_OK;
}

static ft_status ft__diverge_read(ft__diverge *d, int side) {
    const ft__score_hook hook = {side ? ft__diverge_compare_row : ft__diverge_keep_row, d};
    ft_status status = FT_OK;
    int n = 0;
    for (int i = 0; i < d->n_items && !status; i++) {
        ft__diverge_item *item = &d->items[i];
        if (item->from < item->to) {
            ft_score_request ask = {d->readers[side].variant, item->tokens, item->to, item->from,
                                    NULL, 0, NULL, NULL};
            d->scores[n] = ask;
            d->item_of[n++] = i;
        }
        if (!item->outputs) continue;
        status = ft__diverge_ask_outputs(d, item, side, &d->scores[n]);
        d->item_of[n++] = -1;
    }
    return status ? status : ft__score(d->readers[side].session, d->scores, n, &hook, d->err);
}

/* Would the base have drafted the candidate's token?  `top` are its likeliest from the first difference on. */
static bool ft__diverge_drafted(const ft__diverge *d, const ft_diverge_request *r, const ft_divergence *out,
                                const int32_t *top, int at) {
    const int same = out->first_difference < 0 ? r->n_output : out->first_difference;
    return at < same || top[(at - same) * d->n_top] == r->output[at];
}

/* Walks the output as speculative decoding does: the base drafts, the candidate takes the draft up to the first
   token that is not its own, writes one token itself, and the base drafts again. */
static void ft__diverge_draft(const ft__diverge *d, const ft_diverge_request *r, const int32_t *top,
                              ft_divergence *out) {
    const int n = out->n_output = r->n_output;
    for (int at = 0; at < n; at++) out->n_accepted += ft__diverge_drafted(d, r, out, top, at);
    for (int at = 0; at < n;) {
        int taken = 0;
        while (taken < FT__DIVERGE_DRAFT && at + taken < n && ft__diverge_drafted(d, r, out, top, at + taken))
            taken++;
        if (taken < FT__DIVERGE_DRAFT && at + taken == n) break; /* the output ended, nothing was refused */
        out->n_drafts++;
        out->n_draft_accepted += taken;
        at += taken + 1;
    }
}

static void ft__diverge_outputs(const ft__diverge *d, const ft__diverge_item *item, ft_divergence *out) {
    for (int k = 0; k < d->n_top; k++) {
        ft_alternative base = {item->top[0][k], item->top_logprobs[0][k]};
        ft_alternative candidate = {item->top[1][k], item->top_logprobs[1][k]};
        out->base_top[k] = base;
        out->top[k] = candidate;
    }
    out->n_top = d->n_top;
    ft__diverge_draft(d, &d->requests[item->request], item->top[0], out);
}

static ft_status ft__diverge_flush(ft__diverge *d) {
    ft_status status = ft__diverge_read(d, 0);
    if (!status) status = ft__diverge_read(d, 1);
    for (int i = 0; i < d->n_items && !status; i++) {
        const ft__diverge_item *item = &d->items[i];
        ft_divergence *out = &d->out[item->request];
        for (int p = item->place; p < item->place + item->to - item->from; p++) {
            const ft__diverge_place *place = &d->places[p];
            out->n_tokens++;
            out->n_agree += place->agree;
            out->n_changed += place->changed;
            out->kl_sum += place->kl;
            if (place->kl > out->kl_max) out->kl_max = place->kl;
            out->base_logprob += (double)place->logprob[0];
            out->logprob += (double)place->logprob[1];
        }
        if (item->outputs) ft__diverge_outputs(d, item, out);
    }
    ft__arena_free(&d->slice);
    ft__arena_init(&d->slice, &d->readers[0].session->allocator);
    d->n_items = d->n_places = 0;
    return status;
}

/* ---- requests */

/* The prompt and its reference, as far as both contexts hold it; *first is the reference's first token. */
static ft_status ft__diverge_reference(ft__diverge *d, const ft_diverge_request *r, const int32_t **tokens, int *n,
                                       int *first) {
    const int32_t *reference = r->reference ? r->reference : r->text ? NULL : r->base_output;
    const int n_reference = r->reference ? r->n_reference : reference ? r->n_base_output : 0;
    ft_score_request score;
    memset(&score, 0, sizeof score);
    if (!r->reference && r->text) {
        ft_status status = ft__likelihood_request(d->readers[0].session, r->text, &d->texts, &score, d->err);
        if (status) return status;
    } else {
        int32_t *copy =
            (int32_t *)ft__arena_alloc(&d->texts, (size_t)r->n_prompt + (size_t)n_reference, sizeof *copy);
        if (!copy) return ft__fail_memory(d->err);
        memcpy(copy, r->prompt, (size_t)r->n_prompt * sizeof *copy);
        if (n_reference) memcpy(copy + r->n_prompt, reference, (size_t)n_reference * sizeof *copy);
        score.tokens = copy;
        score.n_tokens = r->n_prompt + n_reference;
        score.first = r->n_prompt;
    }
    *tokens = score.tokens;
    *n = score.n_tokens;
    *first = score.first;
    for (int side = 0; side < 2; side++)
        if (*n > d->readers[side].session->n_ctx) *n = d->readers[side].session->n_ctx;
    return FT_OK;
}

/* A request in as many slices as its reference takes. */
static ft_status ft__diverge_add(ft__diverge *d, int request) {
    const ft_diverge_request *r = &d->requests[request];
    ft_divergence *out = &d->out[request];
    const int32_t *tokens = NULL;
    int n = 0, from = 0;
    bool outputs = false;
    out->first_difference = -1;
    if (r->output && r->base_output) {
        out->compared = true;
        const int common = ft__diverge_common(r);
        outputs = common < r->n_output || common < r->n_base_output;
        if (outputs) out->first_difference = common;
        else ft__diverge_draft(d, r, NULL, out);
    }
    ft_status status = ft__diverge_reference(d, r, &tokens, &n, &from);
    while (!status && (outputs || from < n)) {
        const int room = d->max_places - d->n_places, to = n - from > room ? from + room : from < n ? n : from;
        ft__diverge_item item = {request, tokens, from, to, d->n_places, outputs, {NULL, NULL}, {NULL, NULL}};
        d->items[d->n_items++] = item;
        d->n_places += to - from;
        from = to;
        outputs = false;
        if (d->n_items == FT__DIVERGE_ITEMS || d->n_places == d->max_places) status = ft__diverge_flush(d);
    }
    return status;
}

static ft_status ft__diverge_check_tokens(const ft__diverge *d, const int32_t *tokens, int n, const char *where) {
    if (n < 0) return ft__fail(d->err, FT_ERR_ARGUMENT, where, "%d tokens: expected 0 or more", n);
    return tokens ? ft__session_check_tokens(d->readers[0].session, tokens, n, where, d->err) : FT_OK;
}

static ft_status ft__diverge_check(const ft__diverge *d, int request) {
    const ft_diverge_request *r = &d->requests[request];
    char where[32];
    snprintf(where, sizeof where, "request %d", request);
    if (!r->prompt || r->n_prompt < 1)
        return ft__fail(d->err, FT_ERR_ARGUMENT, where, "expected a prompt of at least one token");
    ft_status status = ft__diverge_check_tokens(d, r->prompt, r->n_prompt, where);
    if (!status) status = ft__diverge_check_tokens(d, r->reference, r->n_reference, where);
    if (!status) status = ft__diverge_check_tokens(d, r->base_output, r->n_base_output, where);
    return status ? status : ft__diverge_check_tokens(d, r->output, r->n_output, where);
}

bool ft_model_same_vocabulary(const ft_model *a, const ft_model *b) {
    if (a == b) return true;
    if (a->info.n_vocab != b->info.n_vocab) return false;
    for (int i = 0; i < a->info.n_vocab; i++) {
        size_t n_a = 0, n_b = 0;
        const char *text_a = ft_token_spelling(a, i, &n_a), *text_b = ft_token_spelling(b, i, &n_b);
        if (!text_a || !text_b || !ft__text_equal(text_a, n_a, text_b, n_b)) return false;
    }
    return true;
}

ft_status ft_diverge(ft_reader base, ft_reader candidate, const ft_diverge_request *requests, int n_requests,
                     ft_divergence *out, ft_error *err) {
    ft__diverge d;
    ft__arena arena;
    if (n_requests < 1) return FT_OK;
    memset(&d, 0, sizeof d);
    d.readers[0] = base;
    d.readers[1] = candidate;
    d.requests = requests;
    d.out = out;
    d.n_vocab = base.session->model->info.n_vocab;
    d.n_top = d.n_vocab < FT_ALTERNATIVES ? d.n_vocab : (int)FT_ALTERNATIVES;
    d.max_places = (int)(FT__DIVERGE_BYTES / (sizeof(float) * (size_t)d.n_vocab)) + 1;
    if (d.max_places > FT__DIVERGE_PLACES) d.max_places = FT__DIVERGE_PLACES;
    d.err = err;
    memset(out, 0, (size_t)n_requests * sizeof *out);
    ft_status status = FT_OK;
    if (!ft_model_same_vocabulary(base.session->model, candidate.session->model))
        status = ft__fail(err, FT_ERR_MISMATCH, NULL, "base and candidate have different vocabularies");
    for (int i = 0; i < n_requests && !status; i++) status = ft__diverge_check(&d, i);
    if (status) return status;
    ft__arena_init(&arena, &base.session->allocator);
    ft__arena_init(&d.texts, &base.session->allocator);
    ft__arena_init(&d.slice, &base.session->allocator);
    d.logits = (float *)ft__arena_alloc(&arena, (size_t)d.max_places, sizeof(float) * (size_t)d.n_vocab);
    d.places = (ft__diverge_place *)ft__arena_alloc(&arena, (size_t)d.max_places, sizeof *d.places);
    if (arena.failed) status = ft__fail_memory(err);
    for (int i = 0; i < n_requests && !status; i++) status = ft__diverge_add(&d, i);
    if (!status) status = ft__diverge_flush(&d);
    ft__arena_free(&d.slice);
    ft__arena_free(&d.texts);
    ft__arena_free(&arena);
    return status;
}
