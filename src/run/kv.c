/* Memory for keys and values: pages of 64 positions.

   A page that is full can become known: under the known page before it (none for the first), the variant,
   and its own 64 tokens, which together say all of its prefix.  Sequences that begin alike hold the same
   pages; nobody writes into a full page.  A known page that nobody holds stays findable until its memory is
   wanted.  Who holds a page holds those before it too, and gives them back from the end: so the page that
   has been idle longest has no known page after it, and nothing is cut off when it goes. */
#include "run.h"

enum { FT__KV_HEADER = (sizeof(ft__kv_page) + 63) / 64 * 64 }; /* the data behind it is aligned, too */

static ft__kv_page *ft__kv_page_of(const uint8_t *data) {
    return (ft__kv_page *)(void *)(uintptr_t)(data - FT__KV_HEADER);
}

static uint8_t *ft__kv_data(ft__kv_page *page) { return page ? (uint8_t *)page + FT__KV_HEADER : NULL; }

FT__PRIV void ft__kv_init(ft__kv *kv, const ft_allocator *a, size_t data_bytes, size_t bound) {
    kv->allocator = *a;
    kv->page_bytes = FT__KV_HEADER + data_bytes;
    kv->max_pages = bound ? bound / kv->page_bytes : SIZE_MAX;
}

FT__PRIV size_t ft__kv_used(const ft__kv *kv) { return kv->n_pages - kv->n_free - kv->n_idle; }

/* ---- the idle, from the oldest to the newest */

static void ft__kv_idle_add(ft__kv *kv, ft__kv_page *page) {
    page->older = kv->newest;
    page->newer = NULL;
    *(kv->newest ? &kv->newest->newer : &kv->oldest) = page;
    kv->newest = page;
    kv->n_idle++;
}

static void ft__kv_idle_remove(ft__kv *kv, ft__kv_page *page) {
    *(page->older ? &page->older->newer : &kv->oldest) = page->newer;
    *(page->newer ? &page->newer->older : &kv->newest) = page->older;
    kv->n_idle--;
}

/* ---- the known */

FT__PRIV uint32_t ft__kv_hash(const uint8_t *before, int variant, const int32_t *tokens) {
    uint32_t h = before ? ft__kv_page_of(before)->hash : (uint32_t)variant + 1;
    for (int t = 0; t < FT__TILE; t++) {
        h = (h ^ (uint32_t)tokens[t]) * 0x01000193u;
        h ^= h >> 15;
    }
    return h;
}

FT__PRIV uint8_t *ft__kv_find(const ft__kv *kv, const uint8_t *before, int variant, const int32_t *tokens) {
    const uint32_t hash = ft__kv_hash(before, variant, tokens);
    const ft__kv_page *parent = before ? ft__kv_page_of(before) : NULL;
    ft__kv_page *page = kv->known[hash % FT__KV_BUCKETS];
    for (; page; page = page->next)
        if (page->hash == hash && page->parent == parent && page->variant == variant &&
            memcmp(page->tokens, tokens, sizeof page->tokens) == 0)
            break;
    return ft__kv_data(page);
}

FT__PRIV uint8_t *ft__kv_learn(ft__kv *kv, const uint8_t *before, int variant, const int32_t *tokens,
                               uint8_t *data) {
    uint8_t *known = ft__kv_find(kv, before, variant, tokens);
    if (known) { /* another sequence was first: its page has the same bits */
        ft__kv_hold(kv, known);
        ft__kv_give(kv, data);
        return known;
    }
    ft__kv_page *page = ft__kv_page_of(data), **bucket;
    page->hash = ft__kv_hash(before, variant, tokens);
    page->parent = before ? ft__kv_page_of(before) : NULL;
    page->variant = variant;
    page->known = true;
    memcpy(page->tokens, tokens, sizeof page->tokens);
    bucket = &kv->known[page->hash % FT__KV_BUCKETS];
    page->next = *bucket;
    *bucket = page;
    return data;
}

static void ft__kv_forget(ft__kv *kv, ft__kv_page *page) {
    ft__kv_page **at = &kv->known[page->hash % FT__KV_BUCKETS];
    ft__kv_idle_remove(kv, page);
    while (*at != page) at = &(*at)->next;
    *at = page->next;
    page->known = false;
}

static ft__kv_page *ft__kv_forget_oldest(ft__kv *kv) {
    ft__kv_page *page = kv->oldest;
    ft__kv_forget(kv, page);
    return page;
}

FT__PRIV void ft__kv_forget_variant(ft__kv *kv, int variant) {
    for (ft__kv_page *page = kv->oldest, *newer; page; page = newer) {
        newer = page->newer;
        if (page->variant != variant) continue;
        ft__kv_forget(kv, page);
        page->next = kv->free_pages;
        kv->free_pages = page;
        kv->n_free++;
    }
}

/* ---- giving and taking */

static ft__kv_page *ft__kv_create(ft__kv *kv) {
    if (kv->n_pages >= kv->max_pages) return NULL;
    ft__kv_page *page = (ft__kv_page *)ft__alloc_aligned(&kv->allocator, kv->page_bytes, 1);
    if (!page) return NULL;
    memset(page, 0, kv->page_bytes); /* a tile is computed whole, also where nothing is yet */
    if (++kv->n_pages > kv->most_pages) kv->most_pages = kv->n_pages;
    return page;
}

FT__PRIV uint8_t *ft__kv_take(ft__kv *kv) {
    ft__kv_page *page = kv->free_pages;
    const bool spare = kv->max_pages == SIZE_MAX && kv->n_idle > kv->most_used; /* of what no bound bounds */
    if (page) {
        kv->free_pages = page->next;
        kv->n_free--;
    } else if (!spare) {
        page = ft__kv_create(kv);
    }
    if (!page && kv->n_idle) page = ft__kv_forget_oldest(kv);
    if (!page) return NULL;
    page->n_holders = 1;
    if (ft__kv_used(kv) > kv->most_used) kv->most_used = ft__kv_used(kv);
    return ft__kv_data(page);
}

FT__PRIV void ft__kv_hold(ft__kv *kv, uint8_t *data) {
    ft__kv_page *page = ft__kv_page_of(data);
    if (!page->n_holders++) ft__kv_idle_remove(kv, page);
    if (ft__kv_used(kv) > kv->most_used) kv->most_used = ft__kv_used(kv);
}

FT__PRIV void ft__kv_give(ft__kv *kv, uint8_t *data) {
    ft__kv_page *page = ft__kv_page_of(data);
    if (--page->n_holders) return;
    if (page->known) {
        ft__kv_idle_add(kv, page);
        return;
    }
    page->next = kv->free_pages;
    kv->free_pages = page;
    kv->n_free++;
}

FT__PRIV void ft__kv_clear(ft__kv *kv) {
    while (kv->n_idle || kv->free_pages) {
        ft__kv_page *page = kv->free_pages;
        if (page) kv->free_pages = page->next;
        else page = ft__kv_forget_oldest(kv);
        ft__free_aligned(&kv->allocator, page);
    }
    kv->n_pages = kv->n_free = 0;
}
