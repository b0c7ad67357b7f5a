/* Sequences that run side by side.  What memory each may still want is counted when it starts, so that those
   who run always come to their end; who does not fit waits.  A sequence takes the known pages of its
   prompt, and where another one is computing its next page at this moment, it waits a round and takes that. */
#include "run.h"

static size_t ft__places_pages(int n_tokens) { return ((size_t)n_tokens + FT__TILE - 1) / FT__TILE; }

static ft__sequence *ft__places_sequence(const ft__places *all, int i) {
    return &all->session->sequences[all->items[i].sequence];
}

FT__PRIV bool ft__places_init(ft__places *all, ft_session *s, int n, ft__arena *arena) {
    all->session = s;
    all->items = (ft__place *)ft__arena_alloc(arena, (size_t)n, sizeof *all->items);
    if (!all->items) return false;
    all->n = n;
    for (int i = 0; i < n; i++) all->items[i].sequence = -1;
    return true;
}

/* Sequences of the caller's own keep what they have. */
FT__PRIV ft_status ft__places_check(const ft_session *s, int n_most, const char *where, ft_error *err) {
    const size_t wanted = ft__places_pages(n_most), room = s->kv.max_pages - ft__kv_used(&s->kv);
    if (wanted <= room) return FT_OK;
    return ft__fail(err, FT_ERR_LIMIT, where, "%d tokens take %zu pages of %zu bytes of keys and values, kv_bytes "
                    "has room for %zu", n_most, wanted, s->kv.page_bytes, room);
}

/* Whether all places can have their most. */
static bool ft__places_fit(const ft__places *all) {
    size_t pages = ft__kv_used(&all->session->kv);
    for (int i = 0; i < all->n; i++)
        if (all->items[i].sequence >= 0)
            pages += ft__places_pages(all->items[i].n_most) - (size_t)ft__places_sequence(all, i)->n_pages;
    return pages <= all->session->kv.max_pages;
}

/* Takes what is known of the prompt. */
static void ft__places_join(const ft__places *all, int i) {
    ft__kv *kv = &all->session->kv;
    const ft__place *p = &all->items[i];
    ft__sequence *q = ft__places_sequence(all, i);
    while (all->session->share_prefixes && q->n_tokens + FT__TILE <= p->n_shareable) {
        uint8_t *before = q->n_pages ? q->pages[q->n_pages - 1] : NULL;
        uint8_t *page = ft__kv_find(kv, before, p->variant, p->prompt + q->n_tokens);
        if (!page) break;
        ft__kv_hold(kv, page);
        q->pages[q->n_pages++] = page;
        q->n_tokens += FT__TILE;
    }
}

FT__PRIV ft_status ft__places_start(ft__places *all, int i, const ft__place *what, bool *fits, ft_error *err) {
    int sequence;
    ft_status status = ft_session_open(all->session, what->variant, &sequence, err);
    if (status) return status;
    all->items[i] = *what;
    all->items[i].sequence = sequence;
    ft__places_join(all, i);
    *fits = ft__places_fit(all);
    if (*fits) return FT_OK;
    ft__places_end(all, i);
    for (int k = 0; k < all->n; k++) /* who waits alone waits for ever */
        if (all->items[k].sequence >= 0) return FT_OK;
    return ft__fail(err, FT_ERR_LIMIT, "kv_bytes", "a callback took the memory that was left");
}

FT__PRIV void ft__places_round(ft__places *all) {
    for (int i = 0; i < all->n; i++) all->items[i].fed = false;
}

/* Whether a place that is fed in this round has, or will have, the page that place i needs next. */
static bool ft__places_wait(const ft__places *all, int i) {
    const ft__place *p = &all->items[i];
    const int n = ft__places_sequence(all, i)->n_tokens + FT__TILE;
    for (int k = 0; k < all->n && all->session->share_prefixes && n <= p->n_shareable; k++) {
        const ft__place *other = &all->items[k];
        if (other->fed && other->variant == p->variant && n <= other->n_prompt &&
            memcmp(other->prompt, p->prompt, (size_t)n * sizeof *p->prompt) == 0)
            return true;
    }
    return false;
}

FT__PRIV bool ft__places_ready(ft__places *all, int i) {
    ft__place *p = &all->items[i];
    if (!p->began) {
        ft__places_join(all, i);
        if (ft__places_wait(all, i)) return false;
        p->n_known = ft__places_sequence(all, i)->n_pages;
        p->began = true;
        all->session->tokens_shared += (uint64_t)p->n_known * FT__TILE;
    }
    return p->fed = true;
}

FT__PRIV int ft__places_n_tokens(const ft__places *all, int i) { return ft__places_sequence(all, i)->n_tokens; }

FT__PRIV void ft__places_learn(ft__places *all, int i, const int32_t *more) {
    ft__place *p = &all->items[i];
    ft__sequence *q = ft__places_sequence(all, i);
    int32_t tokens[FT__TILE];
    for (; all->session->share_prefixes && (p->n_known + 1) * FT__TILE <= q->n_tokens; p->n_known++) {
        for (int t = 0; t < FT__TILE; t++) {
            const int at = p->n_known * FT__TILE + t;
            tokens[t] = at < p->n_prompt ? p->prompt[at] : more[at - p->n_prompt];
        }
        uint8_t **page = &q->pages[p->n_known];
        *page = ft__kv_learn(&all->session->kv, p->n_known ? page[-1] : NULL, p->variant, tokens, *page);
    }
}

FT__PRIV void ft__places_end(ft__places *all, int i) {
    if (all->items[i].sequence < 0) return;
    ft_session_close(all->session, all->items[i].sequence);
    all->items[i].sequence = -1;
    all->items[i].fed = false;
}
