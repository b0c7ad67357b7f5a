/* Memory for keys and values: pages of 64 positions, kept for the next sequence when one ends. */
#include "run.h"

FT__PRIV uint8_t *ft__kv_take(ft__kv *kv) {
    if (kv->n_free) return kv->free_pages[--kv->n_free];
    uint8_t *page = (uint8_t *)ft__alloc_aligned(&kv->allocator, kv->page_bytes, 1);
    if (page) memset(page, 0, kv->page_bytes); /* a tile is computed whole, also where nothing is yet */
    return page;
}

FT__PRIV void ft__kv_give(ft__kv *kv, uint8_t *page) {
    if (ft__grow(&kv->allocator, (void **)&kv->free_pages, &kv->cap_free, kv->n_free + 1, sizeof page))
        kv->free_pages[kv->n_free++] = page;
    else
        ft__free_aligned(&kv->allocator, page);
}

FT__PRIV void ft__kv_clear(ft__kv *kv) {
    while (kv->n_free) ft__free_aligned(&kv->allocator, kv->free_pages[--kv->n_free]);
    ft__free(&kv->allocator, kv->free_pages);
    kv->free_pages = NULL;
    kv->cap_free = 0;
}
