/* Memory: checked arithmetic, aligned blocks, the arena, and what each does when there is none. */
#include "test.h"

TEST(alloc, checked_sums) {
    static const struct {
        uint64_t a, b;
        bool fits;
    } rows[] = {
        {0, 0, true},
        {UINT64_MAX, 0, true},
        {0, UINT64_MAX, true},
        {UINT64_MAX, 1, false},
        {1, UINT64_MAX, false},
        {UINT64_MAX - 5, 5, true},
        {UINT64_MAX - 5, 6, false},
        {UINT64_MAX, UINT64_MAX, false},
        {(uint64_t)1 << 63, (uint64_t)1 << 63, false},
        {(uint64_t)1 << 63, ((uint64_t)1 << 63) - 1, true},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        uint64_t sum = 77;
        if (!CHECK(ft__add_u64(rows[i].a, rows[i].b, &sum) == rows[i].fits))
            test_note("row %zu", i);
        if (rows[i].fits) CHECK(sum == rows[i].a + rows[i].b);
    }
    size_t sum;
    CHECK(ft__add_size(SIZE_MAX - 3, 3, &sum) && sum == SIZE_MAX);
    CHECK(!ft__add_size(SIZE_MAX - 3, 4, &sum));
    CHECK(!ft__add_size(SIZE_MAX, SIZE_MAX, &sum));
}

TEST(alloc, checked_products) {
    static const struct {
        uint64_t a, b;
        bool fits;
    } rows[] = {
        {0, 0, true},
        {0, UINT64_MAX, true},
        {UINT64_MAX, 0, true},
        {UINT64_MAX, 1, true},
        {1, UINT64_MAX, true},
        {UINT64_MAX, 2, false},
        {2, UINT64_MAX, false},
        {UINT64_MAX / 3, 3, true}, /* 2^64 - 1 is a multiple of 3 */
        {UINT64_MAX / 3 + 1, 3, false},
        {0xFFFFFFFFu, 0xFFFFFFFFu, true},
        {(uint64_t)1 << 32, (uint64_t)1 << 32, false}, /* the product's low word is 0 */
        {(uint64_t)1 << 32, ((uint64_t)1 << 32) - 1, true},
        {UINT64_MAX, UINT64_MAX, false}, /* low word 1 */
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        uint64_t product = 77;
        if (!CHECK(ft__mul_u64(rows[i].a, rows[i].b, &product) == rows[i].fits))
            test_note("row %zu", i);
        if (rows[i].fits) CHECK(product == rows[i].a * rows[i].b);
    }
    size_t product;
    CHECK(ft__mul_size(SIZE_MAX, 1, &product) && product == SIZE_MAX);
    CHECK(ft__mul_size(SIZE_MAX, 0, &product) && product == 0);
    CHECK(!ft__mul_size(SIZE_MAX / 2 + 1, 2, &product));
    CHECK(!ft__mul_size(SIZE_MAX, SIZE_MAX, &product));
}

TEST(alloc, half_an_allocator_is_none) {
    test_memory memory = {0, 0, 0};
    ft_allocator whole = test_allocator(&memory), half = whole;
    half.resize = NULL;
    CHECK(ft__allocator(&whole).alloc == whole.alloc && ft__allocator(&whole).user == &memory);
    CHECK(ft__allocator(&half).alloc != whole.alloc);
    CHECK(ft__allocator(NULL).alloc && ft__allocator(NULL).resize && ft__allocator(NULL).release);
}

TEST(alloc, blocks) {
    test_memory memory = {0, 0, 0};
    ft_allocator a = test_allocator(&memory);
    char *empty = (char *)ft__alloc(&a, 0); /* asks for one byte: NULL always means failure */
    CHECK(empty != NULL);
    char *zero = (char *)ft__alloc_zero(&a, 100, 7);
    for (int i = 0; zero && i < 700; i++) CHECK(zero[i] == 0);
    CHECK(memory.live == 2);
    if (zero) memcpy(zero, "kept", 5);
    zero = (char *)ft__resize(&a, zero, 1000, 8);
    CHECK_TEXT(zero, "kept");
    CHECK(memory.live == 2);
    long requests = memory.requests;
    CHECK(ft__alloc_zero(&a, SIZE_MAX / 2, 3) == NULL);
    CHECK(ft__resize(&a, zero, SIZE_MAX / 2, 3) == NULL);
    CHECK(ft__alloc_aligned(&a, SIZE_MAX / 2, 3) == NULL);
    CHECK(ft__alloc_aligned(&a, SIZE_MAX - 16, 1) == NULL);
    CHECK(memory.requests == requests); /* refused before anybody was asked */
    CHECK_TEXT(zero, "kept");
    ft__free(&a, zero);
    ft__free(&a, empty);
    ft__free(&a, NULL);
    CHECK(memory.live == 0);
}

TEST(alloc, aligned_blocks) {
    test_memory memory = {0, 0, 0};
    ft_allocator a = test_allocator(&memory);
    void *blocks[64];
    for (size_t i = 0; i < 64; i++) {
        blocks[i] = ft__alloc_aligned(&a, i, 3);
        if (!CHECK(blocks[i] != NULL)) continue;
        CHECK((uintptr_t)blocks[i] % 64 == 0);
        memset(blocks[i], 0xAB, 3 * i); /* the address sanitizer watches the end */
    }
    CHECK(memory.live == 64);
    for (size_t i = 0; i < 64; i++) ft__free_aligned(&a, blocks[i]);
    ft__free_aligned(&a, NULL);
    CHECK(memory.live == 0);
    memory.fail_at = memory.requests + 1;
    CHECK(ft__alloc_aligned(&a, 8, 8) == NULL);
}

TEST(alloc, grow) {
    test_memory memory = {0, 0, 0};
    ft_allocator a = test_allocator(&memory);
    void *items = NULL;
    size_t cap = 0;
    CHECK(ft__grow(&a, &items, &cap, 0, 4) && !items); /* nothing asked, nothing done */
    for (size_t n = 1; n <= 10000; n++) {
        if (!CHECK(ft__grow(&a, &items, &cap, n, sizeof(uint32_t)) && cap >= n)) break;
        ((uint32_t *)items)[n - 1] = (uint32_t)n;
    }
    CHECK(memory.requests < 30); /* geometric, not one by one */
    long sum = 0;
    for (size_t n = 1; n <= 10000; n++) sum += ((uint32_t *)items)[n - 1] == n;
    CHECK_INT(sum, 10000);

    size_t kept_cap = cap;
    void *kept = items;
    CHECK(!ft__grow(&a, &items, &cap, SIZE_MAX / 2, 4)); /* the product does not fit */
    memory.fail_at = memory.requests + 1;
    CHECK(!ft__grow(&a, &items, &cap, cap + 1, 4));
    CHECK(items == kept && cap == kept_cap); /* a failure leaves what there was */
    CHECK(ft__grow(&a, &items, &cap, cap, 4)); /* it still fits: memory is not asked */
    ft__free(&a, items);
    CHECK(memory.live == 0);
}

/* Pieces of every size, among them some larger than a block: aligned, zero, and not overlapping. */
TEST(alloc, arena) {
    static const size_t sizes[] = {0, 1, 15, 16, 17, 100, 5000, 8192, 8193, 16384, 16385, 200000};
    enum { COUNT = 120 };
    test_memory memory = {0, 0, 0};
    ft_allocator a = test_allocator(&memory);
    unsigned char *pieces[COUNT];
    ft__arena arena;
    ft__arena_init(&arena, &a);
    CHECK(memory.requests == 0);
    for (size_t i = 0; i < COUNT; i++) {
        size_t n = sizes[i * 7 % FT__COUNT(sizes)];
        pieces[i] = (unsigned char *)ft__arena_alloc(&arena, n, 1);
        if (!CHECK(pieces[i] && (uintptr_t)pieces[i] % 16 == 0)) continue;
        size_t not_zero = 0;
        for (size_t k = 0; k < n; k++) not_zero += pieces[i][k] != 0;
        CHECK_INT(not_zero, 0);
        memset(pieces[i], (int)i + 1, n);
    }
    for (size_t i = 0; i < COUNT; i++) {
        size_t n = sizes[i * 7 % FT__COUNT(sizes)], changed = 0;
        for (size_t k = 0; pieces[i] && k < n; k++) changed += pieces[i][k] != i + 1;
        CHECK_INT(changed, 0);
    }
    CHECK(!arena.failed);
    CHECK(memory.live > 1);
    ft__arena_free(&arena);
    ft__arena_free(&arena);
    CHECK(memory.live == 0);
}

TEST(alloc, arena_wastes_no_block_on_a_large_piece) {
    test_memory memory = {0, 0, 0};
    ft_allocator a = test_allocator(&memory);
    ft__arena arena;
    ft__arena_init(&arena, &a);
    for (int i = 0; i < 100; i++) {
        ft__arena_alloc(&arena, 16, 1);
        if (i % 10 == 0) ft__arena_alloc(&arena, 100000, 1);
    }
    CHECK_INT(memory.requests, 1 + 10); /* the small ones share their first block throughout */
    ft__arena_free(&arena);
    CHECK(memory.live == 0);
}

TEST(alloc, arena_texts) {
    ft__arena arena;
    ft__arena_init(&arena, NULL);
    CHECK_TEXT(ft__arena_text(&arena, "hello world", 5), "hello");
    CHECK_TEXT(ft__arena_text(&arena, NULL, 0), "");
    char *binary = ft__arena_text(&arena, "a\0b", 3);
    CHECK(binary && memcmp(binary, "a\0b\0", 4) == 0);
    CHECK_TEXT(ft__arena_printf(&arena, "%s:%d", "rows.jsonl", 17), "rows.jsonl:17");
    CHECK_TEXT(ft__arena_printf(&arena, "%s", ""), "");
    char *wide = ft__arena_printf(&arena, "%*d", 40000, 7);
    CHECK(wide && strlen(wide) == 40000 && wide[39999] == '7');
    CHECK(!arena.failed);
    ft__arena_free(&arena);
}

TEST(alloc, arena_remembers_failure) {
    ft__arena arena;
    ft__arena_init(&arena, NULL);
    CHECK(!ft__arena_alloc(&arena, SIZE_MAX, 2) && arena.failed);
    arena.failed = false;
    CHECK(!ft__arena_alloc(&arena, SIZE_MAX, 1) && arena.failed); /* rounding up would overflow */
    arena.failed = false;
    CHECK(!ft__arena_alloc(&arena, SIZE_MAX - 20, 1) && arena.failed); /* the header would */
    arena.failed = false;
    volatile size_t all_there_is = SIZE_MAX; /* or the compiler sees it coming and warns */
    CHECK(!ft__arena_text(&arena, "x", all_there_is) && arena.failed);
    ft__arena_free(&arena);

    for (long fail_at = 1; fail_at <= 4; fail_at++) {
        test_memory memory = {0, 0, fail_at};
        ft_allocator a = test_allocator(&memory);
        ft__arena_init(&arena, &a);
        bool all = ft__arena_alloc(&arena, 100, 1) != NULL;
        all = ft__arena_alloc(&arena, 50000, 1) && all;
        all = ft__arena_text(&arena, "text", 4) && all;
        all = ft__arena_printf(&arena, "%*d", 20000, 1) && all;
        CHECK(all == (fail_at == 4)); /* three requests: a block and two large pieces */
        CHECK(arena.failed == !all);
        ft__arena_free(&arena);
        CHECK(memory.live == 0);
    }
}
