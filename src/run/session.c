/* A session: sequences of one model under several variants, fed together in batches. */
#include "run.h"

enum { FT__SESSION_MAX_CTX = 1 << 24, FT__SESSION_MAX_BATCH = 1 << 16 };

static ft_status ft__session_range(const char *field, int found, int lowest, int highest, ft_error *err) {
    if (found >= lowest && found <= highest) return FT_OK;
    return ft__fail(err, FT_ERR_ARGUMENT, field, "found %d, expected %d to %d", found, lowest, highest);
}

static ft_status ft__session_defaults(ft_session *s, ft_session_desc *d, ft_error *err) {
    const ft_model_info *info = &s->model->info;
    if (!d->threads) d->threads = ft__cpu_count();
    if (!d->n_ctx) d->n_ctx = info->n_ctx;
    if (!d->max_batch) d->max_batch = 512;
    if (!d->max_sequences) d->max_sequences = 32;
    ft_status status = ft__session_range("threads", d->threads, 1, 256, err);
    if (!status) status = ft__session_range("n_ctx", d->n_ctx, 1, FT__SESSION_MAX_CTX, err);
    if (!status) status = ft__session_range("max_batch", d->max_batch, 1, FT__SESSION_MAX_BATCH, err);
    if (!status) status = ft__session_range("max_sequences", d->max_sequences, 1, 65536, err);
    if (!status) status = ft__session_range("kv", (int)d->kv, FT_KV_F16, FT_KV_Q8_0, err);
    s->n_ctx = d->n_ctx;
    s->max_batch = d->max_batch;
    s->max_sequences = d->max_sequences;
    s->share_prefixes = !d->no_prefix_sharing;
    return status;
}

static ft_status ft__session_init(ft_session *s, ft_session_desc d, ft_error *err) {
    int base;
    if (!s->model->layers)
        return ft__fail(err, FT_ERR_ARGUMENT, s->model->file.path,
                        "the model was loaded without its weights");
    ft_status status = ft__check_float_mode(err);
    if (!status) status = ft__session_defaults(s, &d, err);
    if (status) return status;
    s->slots = (ft__slot *)ft__arena_alloc(&s->arena, (size_t)s->max_batch, sizeof *s->slots);
    if (!s->slots ||
        !ft__scratch_init(&s->scratch, s->model, s->max_batch, d.threads, s->n_ctx, d.kv, &s->arena))
        return ft__fail_memory(err);
    ft__kv_init(&s->kv, &s->allocator, s->scratch.page_bytes, d.kv_bytes);
    if (s->scratch.n_state) s->share_prefixes = false; /* it would have to be kept for every page */
    s->pool = ft__pool_create(d.threads, &s->allocator, err);
    return s->pool ? ft_session_add_variant(s, NULL, 0, &base, err) : err ? err->code : FT_ERR_THREAD;
}

ft_session *ft_session_create(const ft_model *model, const ft_session_desc *desc, ft_error *err) {
    ft_session_desc defaults;
    memset(&defaults, 0, sizeof defaults);
    ft_session *s = (ft_session *)ft__alloc_zero(&model->allocator, 1, sizeof *s);
    if (!s) {
        ft__fail_memory(err);
        return NULL;
    }
    s->model = model;
    s->allocator = model->allocator;
    ft__arena_init(&s->arena, &s->allocator);
    if (ft__session_init(s, desc ? *desc : defaults, err) == FT_OK) return s;
    ft_session_free(s);
    return NULL;
}

ft_session *ft_session_load(const char *path, const ft_session_desc *desc, ft_error *err) {
    ft_model_desc model_desc;
    memset(&model_desc, 0, sizeof model_desc);
    if (desc) model_desc.threads = desc->threads;
    ft_model *model = ft_model_load(path, &model_desc, err);
    ft_session *s = model ? ft_session_create(model, desc, err) : NULL;
    if (s) s->own_model = model;
    else ft_model_free(model);
    return s;
}

void ft_session_free(ft_session *s) {
    if (!s) return;
    ft_allocator a = s->allocator;
    ft_model *own_model = s->own_model;
    for (size_t i = 0; i < s->n_sequences; i++) {
        ft_session_close(s, (int)i);
        ft__free(&a, s->sequences[i].pages);
        ft__free(&a, s->sequences[i].state);
    }
    for (size_t i = 0; i < s->n_variants; i++) ft__free(&a, s->variants[i].uses);
    for (size_t i = 0; i < s->n_adapters; i++) ft_adapter_free(s->adapters[i]);
    ft__free(&a, s->adapters);
    ft__kv_clear(&s->kv);
    ft__pool_free(s->pool);
    ft__free(&a, s->sequences);
    ft__free(&a, s->variants);
    ft__free(&a, s->order);
    ft__free(&a, s->scratch.low);
    ft__arena_free(&s->arena);
    ft__free(&a, s);
    ft_model_free(own_model);
}

/* The low-rank products need room for the highest rank that may come. */
static ft_status ft__session_rank(ft_session *s, const ft_adapter_use *uses, int n_uses, ft_error *err) {
    int rank = 1;
    for (int i = 0; i < n_uses; i++) {
        if (!uses[i].adapter || uses[i].adapter->model != s->model)
            return ft__fail(err, FT_ERR_MISMATCH, NULL, "adapter %d was loaded for another model", i);
        if (!ft__finite((double)uses[i].scale))
            return ft__fail(err, FT_ERR_ARGUMENT, "scale", "adapter %d: expected a finite number", i);
        if (uses[i].adapter->max_rank > rank) rank = uses[i].adapter->max_rank;
    }
    ft_status status = ft__adapter_check_uses(uses, n_uses, err);
    if (status) return status;
    for (size_t v = 0; v < s->n_variants; v++)
        for (int i = 0; i < s->variants[v].n_uses; i++)
            if (s->variants[v].uses[i].adapter->max_rank > rank)
                rank = s->variants[v].uses[i].adapter->max_rank;
    void *low = ft__resize(&s->allocator, s->scratch.low, (size_t)s->max_batch * (size_t)rank, sizeof(float));
    if (!low) return ft__fail_memory(err);
    s->scratch.low = (float *)low;
    return FT_OK;
}

ft_status ft_session_add_variant(ft_session *s, const ft_adapter_use *uses, int n_uses, int *variant,
                                 ft_error *err) {
    if (n_uses < 0) return ft__fail(err, FT_ERR_ARGUMENT, "n_uses", "found %d, expected 0 or more", n_uses);
    ft_status status = ft__session_rank(s, uses, n_uses, err);
    if (status) return status;
    size_t at = 0; /* removed ones are used again */
    while (at < s->n_variants && s->variants[at].uses) at++;
    ft_adapter_use *copy = (ft_adapter_use *)ft__alloc_zero(&s->allocator, (size_t)n_uses, sizeof *copy);
    if (!copy || !ft__grow(&s->allocator, (void **)&s->variants, &s->cap_variants, at + 1, sizeof *s->variants)) {
        ft__free(&s->allocator, copy);
        return ft__fail_memory(err);
    }
    for (int i = 0; i < n_uses; i++) copy[i] = uses[i];
    s->variants[at].uses = copy;
    s->variants[at].n_uses = n_uses;
    if (at == s->n_variants) s->n_variants++;
    *variant = (int)at;
    return FT_OK;
}

/* Frees an adapter that the session owns. */
static void ft__session_drop_adapter(ft_session *s, const ft_adapter *adapter) {
    for (size_t i = 0; i < s->n_adapters; i++) {
        if (s->adapters[i] != adapter) continue;
        ft_adapter_free(s->adapters[i]);
        s->adapters[i--] = s->adapters[--s->n_adapters];
    }
}

ft_status ft_session_remove_variant(ft_session *s, int variant, ft_error *err) {
    ft_status status = ft__session_check_variant(s, variant, NULL, err);
    if (status) return status;
    if (!variant) return ft__fail(err, FT_ERR_ARGUMENT, NULL, "variant: 0 is the base, which stays");
    for (size_t i = 0; i < s->n_sequences; i++)
        if (s->sequences[i].open && s->sequences[i].variant == variant)
            return ft__fail(err, FT_ERR_ARGUMENT, NULL, "variant: sequence %d of %d is open", (int)i, variant);
    ft__adaptation *v = &s->variants[variant];
    ft__kv_forget_variant(&s->kv, variant);
    for (int i = 0; i < v->n_uses; i++) ft__session_drop_adapter(s, v->uses[i].adapter);
    ft__free(&s->allocator, v->uses);
    v->uses = NULL;
    v->n_uses = 0;
    return FT_OK;
}

static ft_status ft__session_load_adapter(ft_session *s, const char *spec, ft_adapter_use *use,
                                          ft_error *err) {
    char *path;
    ft_error mine;
    if (!ft__grow(&s->allocator, (void **)&s->adapters, &s->cap_adapters, s->n_adapters + 1,
                  sizeof *s->adapters))
        return ft__fail_memory(err);
    ft_status status = ft__adapter_spec(spec, &s->allocator, &path, &use->scale, err);
    if (status) return status;
    ft_adapter *adapter = ft_adapter_load(s->model, path, err ? err : (err = &mine));
    ft__free(&s->allocator, path);
    if (!adapter) return err->code;
    s->adapters[s->n_adapters++] = adapter;
    use->adapter = adapter;
    return FT_OK;
}

ft_status ft_session_load_variant(ft_session *s, const char *const *specs, int n_specs, int *variant,
                                  ft_error *err) {
    if (n_specs < 0) return ft__fail(err, FT_ERR_ARGUMENT, "n_specs", "found %d, expected 0 or more", n_specs);
    ft_adapter_use *uses = (ft_adapter_use *)ft__alloc_zero(&s->allocator, (size_t)n_specs, sizeof *uses);
    ft_status status = uses ? FT_OK : ft__fail_memory(err);
    for (int i = 0; i < n_specs && !status; i++)
        status = ft__session_load_adapter(s, specs[i], &uses[i], err);
    if (!status) status = ft_session_add_variant(s, uses, n_specs, variant, err);
    for (int i = 0; i < n_specs && uses && status; i++) ft__session_drop_adapter(s, uses[i].adapter);
    ft__free(&s->allocator, uses);
    return status;
}

FT__PRIV ft_status ft__session_check_variant(const ft_session *s, int variant, const char *where,
                                             ft_error *err) {
    if (variant >= 0 && (size_t)variant < s->n_variants) {
        if (s->variants[variant].uses) return FT_OK;
        return ft__fail(err, FT_ERR_ARGUMENT, where, "variant: %d was removed", variant);
    }
    return ft__fail(err, FT_ERR_ARGUMENT, where, "variant: found %d, expected 0 to %d", variant,
                    (int)s->n_variants - 1);
}

FT__PRIV ft_status ft__session_check_tokens(const ft_session *s, const int32_t *tokens, int n_tokens,
                                            const char *where, ft_error *err) {
    for (int t = 0; t < n_tokens; t++)
        if (tokens[t] < 0 || tokens[t] >= s->model->info.n_vocab)
            return ft__fail(err, FT_ERR_TOKEN, where, "token %d is %d, expected 0 to %d", t, (int)tokens[t],
                            s->model->info.n_vocab - 1);
    return FT_OK;
}

ft_status ft_session_open(ft_session *s, int variant, int *sequence, ft_error *err) {
    size_t at = 0, n_pages = ((size_t)s->n_ctx + FT__TILE - 1) / FT__TILE;
    ft_status status = ft__session_check_variant(s, variant, NULL, err);
    if (status) return status;
    while (at < s->n_sequences && s->sequences[at].open) at++;
    if (at == s->n_sequences) {
        const size_t n_state = s->scratch.n_state;
        ft__sequence fresh = {false, false, 0, 0, NULL, 0, NULL};
        fresh.pages = (uint8_t **)ft__alloc_zero(&s->allocator, n_pages, sizeof *fresh.pages);
        if (n_state) fresh.state = (float *)ft__alloc_zero(&s->allocator, n_state, sizeof *fresh.state);
        if (!fresh.pages || (n_state && !fresh.state) ||
            !ft__grow(&s->allocator, (void **)&s->sequences, &s->cap_sequences, at + 1, sizeof fresh)) {
            ft__free(&s->allocator, fresh.pages);
            ft__free(&s->allocator, fresh.state);
            return ft__fail_memory(err);
        }
        s->sequences[s->n_sequences++] = fresh;
    }
    if (s->scratch.n_state) memset(s->sequences[at].state, 0, s->scratch.n_state * sizeof(float));
    s->sequences[at].open = true;
    s->sequences[at].variant = variant;
    s->sequences[at].n_tokens = 0;
    *sequence = (int)at;
    return FT_OK;
}

void ft_session_close(ft_session *s, int sequence) {
    if (sequence < 0 || (size_t)sequence >= s->n_sequences) return;
    ft__sequence *q = &s->sequences[sequence];
    while (q->n_pages) ft__kv_give(&s->kv, q->pages[--q->n_pages]);
    q->open = false;
}

static ft_status ft__session_check_feed(ft_session *s, const ft_feed *feed, int i, ft_error *err) {
    char where[32];
    snprintf(where, sizeof where, "feed %d", i);
    if (feed->sequence < 0 || (size_t)feed->sequence >= s->n_sequences ||
        !s->sequences[feed->sequence].open)
        return ft__fail(err, FT_ERR_ARGUMENT, where, "sequence %d is not open", feed->sequence);
    ft__sequence *q = &s->sequences[feed->sequence];
    if (q->fed)
        return ft__fail(err, FT_ERR_ARGUMENT, where, "sequence %d appears twice", feed->sequence);
    q->fed = true;
    if (feed->n_tokens < 1)
        return ft__fail(err, FT_ERR_ARGUMENT, where, "found %d tokens, expected at least 1", feed->n_tokens);
    if (feed->n_tokens > s->n_ctx - q->n_tokens)
        return ft__fail(err, FT_ERR_CONTEXT, where, "%d tokens and %d more are over the context of %d",
                        q->n_tokens, feed->n_tokens, s->n_ctx);
    return ft__session_check_tokens(s, feed->tokens, feed->n_tokens, where, err);
}

/* Whether the cache's bound has room for all feeds. */
static ft_status ft__session_check_room(const ft_session *s, const ft_feed *feeds, int n_feeds, ft_error *err) {
    size_t wanted = 0, used = ft__kv_used(&s->kv);
    for (int i = 0; i < n_feeds; i++) {
        const ft__sequence *q = &s->sequences[feeds[i].sequence];
        int n_pages = (q->n_tokens + feeds[i].n_tokens + FT__TILE - 1) / FT__TILE;
        if (n_pages > q->n_pages) wanted += (size_t)(n_pages - q->n_pages);
    }
    if (wanted <= s->kv.max_pages - used) return FT_OK;
    return ft__fail(err, FT_ERR_LIMIT, "kv_bytes", "%zu pages of %zu bytes are in use and %zu more needed, "
                    "expected at most %zu in all", used, s->kv.page_bytes, wanted, s->kv.max_pages);
}

/* Everything is checked, and every page is there, before anything changes. */
static ft_status ft__session_prepare(ft_session *s, const ft_feed *feeds, int n_feeds, ft_error *err) {
    ft_status status = ft__session_range("n_feeds", n_feeds, 0, INT_MAX, err);
    for (size_t i = 0; i < s->n_sequences; i++) s->sequences[i].fed = false;
    for (int i = 0; i < n_feeds && !status; i++) status = ft__session_check_feed(s, &feeds[i], i, err);
    if (!status) status = ft__session_check_room(s, feeds, n_feeds, err);
    if (status) return status;
    if (!ft__grow(&s->allocator, (void **)&s->order, &s->cap_order, (size_t)n_feeds, sizeof *s->order))
        return ft__fail_memory(err);
    for (int i = 0; i < n_feeds; i++) {
        ft__sequence *q = &s->sequences[feeds[i].sequence];
        while (q->n_pages * FT__TILE < q->n_tokens + feeds[i].n_tokens) {
            if (!(q->pages[q->n_pages] = ft__kv_take(&s->kv))) return ft__fail_memory(err);
            q->n_pages++;
        }
    }
    return FT_OK;
}

/* s->order: the feeds by variant, otherwise as they came. */
static void ft__session_sort(ft_session *s, const ft_feed *feeds, int n_feeds) {
    int n = 0;
    for (int v = 0; v < (int)s->n_variants && n < n_feeds; v++)
        for (int i = 0; i < n_feeds; i++)
            if (s->sequences[feeds[i].sequence].variant == v) s->order[n++] = i;
}

static ft__slot ft__session_slot(const ft_session *s, const ft_feed *feed, int t) {
    const ft__sequence *q = &s->sequences[feed->sequence];
    ft__slot slot = {feed->tokens[t], q->n_tokens + t, q->variant, q->pages, NULL, NULL, q->state};
    if (feed->all_logits) slot.logits = feed->all_logits + (size_t)t * (size_t)s->model->info.n_vocab;
    if (t == feed->n_tokens - 1) slot.logits_2 = feed->last_logits;
    return slot;
}

ft_status ft_session_decode(ft_session *s, const ft_feed *feeds, int n_feeds, ft_error *err) {
    ft_status status = ft__session_prepare(s, feeds, n_feeds, err);
    if (!status) status = ft__check_float_mode(err);
    if (status) return status;
    ft__forward f = {s->model, s->pool, &s->scratch, s->variants, s->slots, 0, 0, 0, 0};
    ft__session_sort(s, feeds, n_feeds);
    for (int i = 0; i < n_feeds && !status; i++) {
        const ft_feed *feed = &feeds[s->order[i]];
        for (int t = 0; t < feed->n_tokens && !status; t++) {
            bool last = i == n_feeds - 1 && t == feed->n_tokens - 1;
            s->slots[f.n_slots++] = ft__session_slot(s, feed, t);
            if (f.n_slots < s->max_batch && !last) continue;
            status = ft__forward_run(&f, err);
            f.n_slots = 0;
        }
    }
    for (int i = 0; i < n_feeds; i++) {
        s->sequences[feeds[i].sequence].n_tokens += feeds[i].n_tokens;
        s->tokens_computed += (uint64_t)feeds[i].n_tokens;
    }
    return status;
}

ft_session_stats ft_session_get_stats(const ft_session *s) {
    ft_session_stats stats = {s->tokens_computed, s->tokens_shared, s->kv.n_pages * s->kv.page_bytes,
                              s->kv.most_pages * s->kv.page_bytes};
    return stats;
}

enum { FT__SESSION_LOGITS_AT_ONCE = 64 };

static ft_status ft__session_logits(ft_session *s, int sequence, const int32_t *tokens, int n_tokens,
                                    float *logits, ft_write_fn write, void *user, ft_error *err) {
    for (int at = 0; at < n_tokens; at += FT__SESSION_LOGITS_AT_ONCE) {
        int n = n_tokens - at;
        if (n > FT__SESSION_LOGITS_AT_ONCE) n = FT__SESSION_LOGITS_AT_ONCE;
        ft_feed feed = {sequence, tokens + at, n, NULL, logits};
        ft_status status = ft_session_decode(s, &feed, 1, err);
        if (status) return status;
        size_t size = (size_t)n * (size_t)s->model->info.n_vocab * sizeof *logits;
        if (write(user, (const char *)logits, size) != 0)
            return ft__fail(err, FT_ERR_CANCELLED, NULL, "the output was refused");
    }
    return FT_OK;
}

ft_status ft_session_write_logits(ft_session *s, int variant, const int32_t *tokens, int n_tokens,
                                  ft_write_fn write, void *user, ft_error *err) {
    int sequence;
    ft_status status = ft__session_check_tokens(s, tokens, n_tokens, NULL, err); /* before a row is out */
    if (!status) status = ft_session_open(s, variant, &sequence, err);
    if (status) return status;
    float *logits = (float *)ft__alloc_zero(&s->allocator, (size_t)s->model->info.n_vocab,
                                            FT__SESSION_LOGITS_AT_ONCE * sizeof *logits);
    if (logits) status = ft__session_logits(s, sequence, tokens, n_tokens, logits, write, user, err);
    else status = ft__fail_memory(err);
    ft__free(&s->allocator, logits);
    ft_session_close(s, sequence);
    return status;
}
