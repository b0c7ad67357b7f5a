/* Memory: the host's three functions, checked sizes, aligned blocks, and an arena for what lives and dies
   together. */
#include "base.h"

static void *ft__alloc_malloc(void *user, size_t size) {
    (void)user;
    return malloc(size);
}

static void *ft__alloc_realloc(void *user, void *memory, size_t size) {
    (void)user;
    return realloc(memory, size);
}

static void ft__alloc_release(void *user, void *memory) {
    (void)user;
    free(memory);
}

FT__PRIV ft_allocator ft__allocator(const ft_allocator *given) {
    ft_allocator standard = {NULL, ft__alloc_malloc, ft__alloc_realloc, ft__alloc_release};
    return given && given->alloc && given->resize && given->release ? *given : standard;
}

FT__PRIV void *ft__alloc(const ft_allocator *a, size_t size) {
    return a->alloc(a->user, size ? size : 1);
}

FT__PRIV void *ft__alloc_zero(const ft_allocator *a, size_t count, size_t size) {
    size_t total;
    if (!ft__mul_size(count, size, &total)) return NULL;
    void *memory = ft__alloc(a, total);
    if (memory) memset(memory, 0, total);
    return memory;
}

FT__PRIV void *ft__resize(const ft_allocator *a, void *memory, size_t count, size_t size) {
    size_t total;
    if (!ft__mul_size(count, size, &total)) return NULL;
    return a->resize(a->user, memory, total ? total : 1);
}

FT__PRIV void ft__free(const ft_allocator *a, void *memory) {
    if (memory) a->release(a->user, memory);
}

/* The block's true start is kept in the word before the aligned address. */
FT__PRIV void *ft__alloc_aligned(const ft_allocator *a, size_t count, size_t size) {
    size_t total;
    if (!ft__mul_size(count, size, &total) || !ft__add_size(total, 64 + sizeof(void *), &total))
        return NULL;
    char *memory = (char *)ft__alloc(a, total);
    if (!memory) return NULL;
    uintptr_t start = ((uintptr_t)memory + sizeof(void *) + 63) & ~(uintptr_t)63;
    void **aligned = (void **)start;
    aligned[-1] = memory;
    return aligned;
}

FT__PRIV void ft__free_aligned(const ft_allocator *a, void *memory) {
    if (memory) ft__free(a, ((void **)memory)[-1]);
}

FT__PRIV bool ft__add_size(size_t a, size_t b, size_t *out) {
    *out = a + b;
    return *out >= a;
}

FT__PRIV bool ft__mul_size(size_t a, size_t b, size_t *out) {
    *out = a * b;
    return a == 0 || *out / a == b;
}

FT__PRIV bool ft__add_u64(uint64_t a, uint64_t b, uint64_t *out) {
    *out = a + b;
    return *out >= a;
}

FT__PRIV bool ft__mul_u64(uint64_t a, uint64_t b, uint64_t *out) {
    *out = a * b;
    return a == 0 || *out / a == b;
}

FT__PRIV bool ft__grow(const ft_allocator *a, void **items, size_t *cap, size_t need, size_t size) {
    if (need <= *cap) return true;
    size_t bigger = *cap < 8 ? 8 : *cap + *cap / 2;
    if (bigger < need) bigger = need;
    void *moved = ft__resize(a, *items, bigger, size);
    if (!moved) return false;
    *items = moved;
    *cap = bigger;
    return true;
}

struct ft__arena_block {
    ft__arena_block *next;
    size_t used, size; /* bytes after this header */
};

enum { FT__ARENA_BLOCK = 16 * 1024, FT__ARENA_ALIGN = 16 };
#define FT__ARENA_HEADER ((sizeof(ft__arena_block) + FT__ARENA_ALIGN - 1) / FT__ARENA_ALIGN * FT__ARENA_ALIGN)

FT__PRIV void ft__arena_init(ft__arena *arena, const ft_allocator *a) {
    arena->allocator = ft__allocator(a);
    arena->blocks = NULL;
    arena->failed = false;
}

FT__PRIV void ft__arena_free(ft__arena *arena) {
    ft__arena_block *block = arena->blocks;
    while (block) {
        ft__arena_block *next = block->next;
        ft__free(&arena->allocator, block);
        block = next;
    }
    arena->blocks = NULL;
}

static ft__arena_block *ft__arena_add_block(ft__arena *arena, size_t need) {
    size_t size = need > FT__ARENA_BLOCK ? need : (size_t)FT__ARENA_BLOCK, total;
    if (!ft__add_size(size, FT__ARENA_HEADER, &total)) return NULL;
    ft__arena_block *block = (ft__arena_block *)ft__alloc(&arena->allocator, total);
    if (!block) return NULL;
    block->used = 0;
    block->size = size;
    /* a block made for one large piece goes behind the current one, which still has room */
    if (arena->blocks && need > FT__ARENA_BLOCK / 2) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = arena->blocks;
        arena->blocks = block;
    }
    return block;
}

FT__PRIV void *ft__arena_alloc(ft__arena *arena, size_t count, size_t size) {
    size_t total, rounded;
    if (!ft__mul_size(count, size, &total) ||
        !ft__add_size(total ? total : 1, FT__ARENA_ALIGN - 1, &rounded)) {
        arena->failed = true;
        return NULL;
    }
    rounded = rounded / FT__ARENA_ALIGN * FT__ARENA_ALIGN;
    ft__arena_block *block = arena->blocks;
    if (!block || block->size - block->used < rounded) block = ft__arena_add_block(arena, rounded);
    if (!block) {
        arena->failed = true;
        return NULL;
    }
    void *memory = (char *)block + FT__ARENA_HEADER + block->used;
    block->used += rounded;
    memset(memory, 0, rounded);
    return memory;
}

FT__PRIV char *ft__arena_text(ft__arena *arena, const char *text, size_t n) {
    if (n == SIZE_MAX) { /* no room for the NUL */
        arena->failed = true;
        return NULL;
    }
    char *copy = (char *)ft__arena_alloc(arena, n + 1, 1);
    if (copy && n) memcpy(copy, text, n);
    return copy;
}

FT__PRIV char *ft__arena_printf(ft__arena *arena, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = (char *)ft__arena_alloc(arena, n < 0 ? SIZE_MAX : (size_t)n + 1, 1);
    if (!text) return NULL;
    va_start(args, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, args);
    va_end(args);
    return text;
}
