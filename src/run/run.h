/* Floor 4: sequences in the making. */
#ifndef FT__RUN_H
#define FT__RUN_H

#include "../model/model.h"

/* ---- kv: run/kv.c.  Pages of 64 positions, all layers together: shared, counted, kept, given out. */

/* Stands before the data; outside kv.c a page is its data. */
typedef struct ft__kv_page {
    struct ft__kv_page *parent;        /* the known page before it */
    struct ft__kv_page *next;          /* in its bucket, or among the free */
    struct ft__kv_page *older, *newer; /* among the idle: known and held by none */
    uint32_t hash;
    int variant, n_holders;
    bool known;
    int32_t tokens[FT__TILE];
} ft__kv_page;

enum { FT__KV_BUCKETS = 1024 };
typedef struct ft__kv {
    ft_allocator allocator;
    size_t page_bytes, max_pages;
    size_t n_pages, n_free, n_idle;
    size_t most_pages, most_used;
    ft__kv_page *free_pages, *oldest, *newest;
    ft__kv_page *known[FT__KV_BUCKETS];
} ft__kv;
/* Of a zeroed struct; `bound` in bytes, 0 = none. */
FT__PRIV void ft__kv_init(ft__kv *kv, const ft_allocator *a, size_t data_bytes, size_t bound);
FT__PRIV size_t ft__kv_used(const ft__kv *kv); /* pages that are held */
/* A page to write into, held once; NULL: out of memory or bound.  Its content is anything finite. */
FT__PRIV uint8_t *ft__kv_take(ft__kv *kv);
FT__PRIV void ft__kv_hold(ft__kv *kv, uint8_t *page); /* once more */
FT__PRIV void ft__kv_give(ft__kv *kv, uint8_t *page); /* once less */
/* The known page with these 64 tokens behind the known page `before` (NULL: at the start), or NULL.
   Hashes only shorten the search. */
FT__PRIV uint8_t *ft__kv_find(const ft__kv *kv, const uint8_t *before, int variant, const int32_t *tokens);
/* Makes a full page known, whose holder also holds `before`.  Returns the page to hold from now on: another
   one if that prefix was known already. */
FT__PRIV uint8_t *ft__kv_learn(ft__kv *kv, const uint8_t *before, int variant, const int32_t *tokens,
                               uint8_t *page);
FT__PRIV void ft__kv_forget_variant(ft__kv *kv, int variant); /* its known pages, of which none may be held */
FT__PRIV uint32_t ft__kv_hash(const uint8_t *before, int variant, const int32_t *tokens);
FT__PRIV void ft__kv_clear(ft__kv *kv); /* frees all pages; none may be held */

/* ---- session: run/session.c */
typedef struct ft__sequence {
    bool open, fed; /* fed: named in the batch being checked */
    int variant, n_tokens;
    uint8_t **pages; /* (n_ctx / 64, rounded up); n_pages of them are there */
    int n_pages;
    float *state; /* (scratch.n_state) what it carries along beside its pages, or NULL */
} ft__sequence;

struct ft_session {
    const ft_model *model;
    ft_allocator allocator;
    ft__pool *pool;
    ft__arena arena; /* scratch */
    ft__scratch scratch;
    ft__slot *slots; /* (max_batch) */
    int n_ctx, max_batch, max_sequences;
    ft__kv kv;
    ft__adaptation *variants;
    size_t n_variants, cap_variants;
    ft__sequence *sequences;
    size_t n_sequences, cap_sequences;
    ft_model *own_model;   /* of ft_session_load, or NULL */
    ft_adapter **adapters; /* owned: those of ft_session_load_variant */
    size_t n_adapters, cap_adapters;
    int *order;      /* feeds by variant */
    size_t cap_order;
    bool share_prefixes;
    uint64_t tokens_computed, tokens_shared;
};
FT__PRIV ft_status ft__session_check_variant(const ft_session *s, int variant, const char *where, ft_error *err);
FT__PRIV ft_status ft__session_check_tokens(const ft_session *s, const int32_t *tokens, int n_tokens,
                                            const char *where, ft_error *err);

/* ---- places: run/places.c.  Sequences that run side by side, as long as their memory suffices, and use each
   other's pages. */
typedef struct ft__place {
    int sequence; /* -1: free */
    int variant;
    const int32_t *prompt; /* what is known of its tokens beforehand */
    int n_prompt;
    int n_shareable; /* of these, the first that others may have computed */
    int n_most;      /* tokens that it will be fed at most, the prompt included */
    int n_known;     /* pages that others know */
    bool began;      /* was fed before */
    bool fed;        /* is fed in this round */
} ft__place;

typedef struct ft__places {
    ft_session *session;
    ft__place *items;
    int n;
} ft__places;
FT__PRIV bool ft__places_init(ft__places *all, ft_session *s, int n, ft__arena *arena);
/* FT_ERR_LIMIT if `n_most` tokens can never be cached. */
FT__PRIV ft_status ft__places_check(const ft_session *s, int n_most, const char *where, ft_error *err);
/* Opens a sequence in a free place with all that is known already.  *fits is false, and the place still
   free, if it has to wait until others end; with no others, that is FT_ERR_LIMIT. */
FT__PRIV ft_status ft__places_start(ft__places *all, int i, const ft__place *what, bool *fits, ft_error *err);
FT__PRIV void ft__places_round(ft__places *all); /* nothing is fed yet */
/* Whether the place is fed in this round: not if another is computing just what it needs next.  The first
   one asked always is. */
FT__PRIV bool ft__places_ready(ft__places *all, int i);
FT__PRIV int ft__places_n_tokens(const ft__places *all, int i); /* cached so far */
/* After a round: what was computed becomes known.  `more` are the tokens after the prompt. */
FT__PRIV void ft__places_learn(ft__places *all, int i, const int32_t *more);
FT__PRIV void ft__places_end(ft__places *all, int i); /* free ones are left alone */

/* ---- score: run/score.c */
FT__PRIV float ft__logprob(const float *logits, int n_vocab, int32_t token);
/* Sees the logits (n_vocab) before each token to score: of which request, which of its tokens.  Called from
   several threads at a time. */
typedef struct ft__score_hook {
    void (*row)(void *user, int request, int token, const float *logits);
    void *user;
} ft__score_hook;
/* ft_session_score, with a hook or NULL. */
FT__PRIV ft_status ft__score(ft_session *s, const ft_score_request *requests, int n_requests,
                             const ft__score_hook *hook, ft_error *err);

/* ---- likelihood: run/likelihood.c */

/* The request that scores a text after its prompt; its tokens and log-probs lie in the arena.  Its n_tokens stays
   0 where there is nothing to score. */
FT__PRIV ft_status ft__likelihood_request(const ft_session *s, const ft_text_request *t, ft__arena *arena,
                                          ft_score_request *r, ft_error *err);

#endif /* FT__RUN_H */
