/* Floor 4: sequences in the making. */
#ifndef FT__RUN_H
#define FT__RUN_H

#include "../model/model.h"

/* ---- kv: run/kv.c.  Pages of 64 positions, all layers together, given out and taken back. */
typedef struct ft__kv {
    ft_allocator allocator;
    size_t page_bytes;
    uint8_t **free_pages;
    size_t n_free, cap_free;
} ft__kv;
FT__PRIV uint8_t *ft__kv_take(ft__kv *kv); /* NULL: out of memory; content is anything finite */
FT__PRIV void ft__kv_give(ft__kv *kv, uint8_t *page);
FT__PRIV void ft__kv_clear(ft__kv *kv); /* frees the pages that were given back */

/* ---- session: run/session.c */
typedef struct ft__sequence {
    bool open, fed; /* fed: named in the batch being checked */
    int variant, n_tokens;
    uint8_t **pages; /* (n_ctx / 64, rounded up); n_pages of them are there */
    int n_pages;
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
    ft__attention attention;
    ft__adaptation *variants;
    size_t n_variants, cap_variants;
    ft__sequence *sequences;
    size_t n_sequences, cap_sequences;
    ft_adapter **adapters; /* owned: those of ft_session_load_variant */
    size_t n_adapters, cap_adapters;
    int *order;      /* feeds by variant */
    size_t cap_order;
};

#endif /* FT__RUN_H */
