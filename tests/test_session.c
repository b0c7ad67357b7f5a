/* The decode calls: variants side by side, everything that is refused, and running out of memory. */
#include "test.h"
#include "gguf_edit.h"
#include "tiny.h"
#include "../src/run/run.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* ---- a model with two adapters, and sessions on it */

static char base_path[512], first_path[512], second_path[512];
static ft_model *model;
static ft_adapter *first, *second;
static int n_vocab;

static bool begin(const tiny_model *options, const ft_allocator *a) {
    static const tiny_adapter one = {4, 8, 1, 1, 0, FT__FORMAT_F32, false};
    static const tiny_adapter two = {16, 4, 2, 0.7f, TINY_Q | TINY_V | TINY_DOWN, FT__FORMAT_F16, false};
    ft_error err;
    ft_model_desc desc;
    memset(&desc, 0, sizeof desc);
    if (a) desc.allocator = *a;
    snprintf(base_path, sizeof base_path, "%s", test_path("base.gguf"));
    snprintf(first_path, sizeof first_path, "%s", test_path("first.gguf"));
    snprintf(second_path, sizeof second_path, "%s", test_path("second.gguf"));
    tiny_write_model(base_path, options);
    tiny_write_adapter(first_path, options, &one);
    tiny_write_adapter(second_path, options, &two);
    model = ft_model_load(base_path, &desc, &err);
    if (!CHECK_OK(model ? FT_OK : err.code, err)) return false;
    first = ft_adapter_load(model, first_path, &err);
    second = ft_adapter_load(model, second_path, &err);
    n_vocab = ft_model_get_info(model).n_vocab;
    return CHECK(first && second);
}

static void end(void) {
    ft_adapter_free(first);
    ft_adapter_free(second);
    ft_model_free(model);
}

static ft_session *session_of(int threads, int n_ctx, ft_kv_type kv, int max_batch) {
    ft_error err;
    ft_session_desc desc = {threads, n_ctx, kv, max_batch, 0, 0, false};
    ft_session *s = ft_session_create(model, &desc, &err);
    CHECK_OK(s ? FT_OK : err.code, err);
    return s;
}

static int variant_of(ft_session *s, const ft_adapter *a, float a_scale, const ft_adapter *b, float b_scale) {
    ft_error err;
    ft_adapter_use uses[2] = {{a, a_scale}, {b, b_scale}};
    int variant = -1;
    CHECK_OK(ft_session_add_variant(s, uses, b ? 2 : 1, &variant, &err), err);
    return variant;
}

static int open_of(ft_session *s, int variant) {
    ft_error err;
    int sequence = -1;
    CHECK_OK(ft_session_open(s, variant, &sequence, &err), err);
    return sequence;
}

enum { N = 30 };

static const int32_t *some_tokens(int which) {
    static int32_t tokens[8][N];
    int32_t *out = tokens[which % 8];
    for (int i = 0; i < N; i++) out[i] = (int32_t)((i * 131 + which * 977 + i * i * 7) % n_vocab);
    out[0] = 1;
    return out;
}

/* All logits of a fresh sequence fed alone; free() them. */
static float *alone(ft_session *s, int variant, const int32_t *tokens, int n) {
    ft_error err;
    float *logits = (float *)calloc((size_t)n * (size_t)n_vocab, sizeof *logits);
    int sequence = open_of(s, variant);
    ft_feed feed = {sequence, tokens, n, NULL, logits};
    CHECK_OK(ft_session_decode(s, &feed, 1, &err), err);
    ft_session_close(s, sequence);
    return logits;
}

static bool same(const float *a, const float *b, int n) {
    return memcmp(a, b, (size_t)n * (size_t)n_vocab * sizeof *a) == 0;
}

/* ---- variants */

TEST(session, scale_zero_and_zero_adapters_are_the_base) {
    static const uint32_t types[] = {FT__FORMAT_F32, FT__FORMAT_Q8_0, FT__FORMAT_Q4_0};
    static const tiny_adapter zero = {8, 16, 5, 0, 0, FT__FORMAT_F32, false};
    for (size_t i = 0; i < FT__COUNT(types); i++) {
        tiny_model options;
        ft_error err;
        memset(&options, 0, sizeof options);
        options.type = types[i];
        options.attn_bias = true;
        if (!begin(&options, NULL)) return;
        tiny_write_adapter(test_path("zero.gguf"), &options, &zero);
        ft_adapter *nothing = ft_adapter_load(model, test_path("zero.gguf"), &err);
        CHECK(nothing != NULL);
        ft_session *s = session_of(1, N, FT_KV_F16, 0);
        float *base = alone(s, 0, some_tokens(0), N);
        const int variants[] = {variant_of(s, first, 0, NULL, 0),   variant_of(s, first, 0, second, 0),
                                variant_of(s, nothing, 1, NULL, 0), variant_of(s, nothing, -3, first, 0),
                                variant_of(s, nothing, 1, nothing, 2)};
        for (size_t v = 0; v < FT__COUNT(variants); v++) {
            float *logits = alone(s, variants[v], some_tokens(0), N);
            CHECK(same(base, logits, N));
            free(logits);
        }
        float *other = alone(s, variant_of(s, first, 1e-3f, NULL, 0), some_tokens(0), N);
        CHECK(!same(base, other, N));
        free(other);
        free(base);
        ft_session_free(s);
        ft_adapter_free(nothing);
        end();
    }
}

/* Two adapters are two deltas: near what both alone add, and the order is a part of the variant. */
TEST(session, two_adapters_on_one_variant) {
    if (!begin(NULL, NULL)) return;
    ft_session *s = session_of(1, N, FT_KV_F32, 0);
    float *both = alone(s, variant_of(s, first, 1, second, 0.5f), some_tokens(1), N);
    float *again = alone(s, variant_of(s, first, 1, second, 0.5f), some_tokens(1), N);
    float *turned = alone(s, variant_of(s, second, 0.5f, first, 1), some_tokens(1), N);
    float *one = alone(s, variant_of(s, first, 1, NULL, 0), some_tokens(1), N);
    CHECK(same(both, again, N) && !same(both, one, N));
    for (int i = 0; i < N * n_vocab; i++)
        if (!CHECK_NEAR(turned[i], both[i], 1e-4)) break;
    free(both);
    free(again);
    free(turned);
    free(one);
    ft_session_free(s);
    end();
}

/* Six sequences of four variants in the same batches, cut differently: each as if it were alone. */
static void mix(const tiny_model *options, int threads, int max_batch) {
    enum { SEQUENCES = 6 };
    static const int cuts[SEQUENCES][4] = {{30}, {1, 29}, {7, 13, 10}, {29, 1}, {10, 10, 10}, {2, 2, 25, 1}};
    float *expected[SEQUENCES], *got[SEQUENCES];
    int sequences[SEQUENCES], fed[SEQUENCES] = {0}, last = -1;
    static float last_logits[4096];
    ft_error err;
    if (!begin(options, NULL)) return;
    ft_session *s = session_of(threads, N, FT_KV_F16, max_batch);
    const int of[SEQUENCES] = {variant_of(s, first, 1, NULL, 0), 0, variant_of(s, first, 1, second, 1),
                               variant_of(s, second, 2, NULL, 0), 0, 1};
    for (int i = 0; i < SEQUENCES; i++) {
        expected[i] = alone(s, of[i], some_tokens(i), N);
        got[i] = (float *)calloc((size_t)N * (size_t)n_vocab, sizeof(float));
    }
    for (int i = 0; i < SEQUENCES; i++) sequences[i] = open_of(s, of[i]);
    for (int round = 0; round < 4; round++) {
        ft_feed feeds[SEQUENCES];
        int n = 0;
        for (int i = 0; i < SEQUENCES; i++) {
            if (!cuts[i][round]) continue;
            ft_feed feed = {sequences[i], some_tokens(i) + fed[i], cuts[i][round], NULL,
                            got[i] + (size_t)fed[i] * (size_t)n_vocab};
            fed[i] += cuts[i][round];
            if (i == 5) feed.last_logits = last_logits, last = fed[i] - 1;
            feeds[n++] = feed;
        }
        CHECK_OK(ft_session_decode(s, feeds, n, &err), err);
        CHECK(memcmp(last_logits, got[5] + (size_t)last * (size_t)n_vocab, (size_t)n_vocab * 4) == 0);
    }
    for (int i = 0; i < SEQUENCES; i++) {
        CHECK_INT(fed[i], N);
        CHECK(same(expected[i], got[i], N));
        free(expected[i]);
        free(got[i]);
    }
    ft_session_free(s);
    end();
}

TEST(session, variants_side_by_side) {
    tiny_model options;
    memset(&options, 0, sizeof options);
    mix(&options, 1, 512);
    mix(&options, 3, 5);
    options.type = FT__FORMAT_Q4_0;
    mix(&options, 2, 64);
    options.n_experts = 4;
    options.type = FT__FORMAT_Q8_0;
    tiny_model dense = options;
    dense.n_experts = 0;
    mix(&dense, 8, 1);
}

/* A sequence that ends gives its place and pages to the next, which sees nothing of it. */
TEST(session, sequences_are_used_again) {
    ft_error err;
    if (!begin(NULL, NULL)) return;
    ft_session *s = session_of(1, N, FT_KV_F16, 0);
    float *expected = alone(s, 0, some_tokens(0), N);
    int a = open_of(s, 0), b = open_of(s, 0);
    CHECK(a != b);
    for (int i = 0; i < 20; i++) {
        float *other = alone(s, 0, some_tokens(i), N), *again = alone(s, 0, some_tokens(0), N);
        CHECK(same(expected, again, N));
        free(other);
        free(again);
    }
    ft_session_close(s, a);
    ft_session_close(s, a);
    ft_session_close(s, -1);
    ft_session_close(s, 1000);
    CHECK_INT(open_of(s, 0), a);
    ft_feed feed = {b, some_tokens(0), 1, NULL, NULL}; /* logits that nobody wants */
    CHECK_OK(ft_session_decode(s, &feed, 1, &err), err);
    free(expected);
    ft_session_free(s);
    ft_session_free(NULL);
    end();
}

/* ---- what is refused, and that nothing changes by it */

TEST(session, wrong_descriptions) {
    static const struct { ft_session_desc desc; const char *needle; } wrong[] = {
        {{-1, 0, FT_KV_F16, 0, 0, 0, false}, "threads: found -1, expected 1 to 256"},
        {{257, 0, FT_KV_F16, 0, 0, 0, false}, "threads: found 257"},
        {{1, -1, FT_KV_F16, 0, 0, 0, false}, "n_ctx: found -1"},
        {{1, 1 << 25, FT_KV_F16, 0, 0, 0, false}, "n_ctx: found 33554432"},
        {{1, 0, (ft_kv_type)3, 0, 0, 0, false}, "kv: found 3"},
        {{1, 0, FT_KV_F16, -4, 0, 0, false}, "max_batch: found -4"},
        {{1, 0, FT_KV_F16, 1 << 17, 0, 0, false}, "max_batch: found 131072"},
        {{1, 0, FT_KV_F16, 0, -1, 0, false}, "max_sequences: found -1"},
    };
    ft_error err;
    if (!begin(NULL, NULL)) return;
    for (size_t i = 0; i < FT__COUNT(wrong); i++) {
        CHECK(ft_session_create(model, &wrong[i].desc, &err) == NULL);
        CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, wrong[i].needle);
        CHECK(ft_session_create(model, &wrong[i].desc, NULL) == NULL);
    }
    end();
}

TEST(session, wrong_variants) {
    ft_error err;
    int out = -7;
    if (!begin(NULL, NULL)) return;
    ft_session *s = session_of(1, N, FT_KV_F16, 0);
    ft_adapter_use use = {first, ft__float_of(0x7FC00000u)};
    CHECK_ERROR(ft_session_add_variant(s, &use, 1, &out, &err), FT_ERR_ARGUMENT, err,
                "scale: adapter 0: expected a finite number");
    use.scale = ft__float_of(0x7F800000u);
    CHECK_ERROR(ft_session_add_variant(s, &use, 1, &out, &err), FT_ERR_ARGUMENT, err, "scale");
    use.adapter = NULL;
    CHECK_ERROR(ft_session_add_variant(s, &use, 1, &out, &err), FT_ERR_MISMATCH, err, "adapter 0");
    CHECK_ERROR(ft_session_add_variant(s, NULL, -1, &out, &err), FT_ERR_ARGUMENT, err, "n_uses: found -1");
    ft_model *other = ft_model_load(base_path, NULL, &err); /* the same file is still another model */
    ft_adapter *theirs = ft_adapter_load(other, first_path, &err);
    use.adapter = theirs, use.scale = 1;
    CHECK_ERROR(ft_session_add_variant(s, &use, 1, &out, &err), FT_ERR_MISMATCH, err,
                "adapter 0 was loaded for another model");
    CHECK_INT(out, -7);
    CHECK_OK(ft_session_add_variant(s, NULL, 0, &out, &err), err);
    CHECK_INT(out, 1);
    CHECK_ERROR(ft_session_open(s, 2, &out, &err), FT_ERR_ARGUMENT, err, "variant: found 2, expected 0 to 1");
    CHECK_ERROR(ft_session_open(s, -1, &out, &err), FT_ERR_ARGUMENT, err, "variant: found -1");
    ft_adapter_free(theirs);
    ft_model_free(other);
    ft_session_free(s);
    end();
}

TEST(session, wrong_feeds) {
    static const int32_t negative[3] = {1, 2, -1}, low[1] = {INT32_MIN};
    int32_t beyond[2] = {1, 0};
    float *expected, *got;
    ft_error err;
    if (!begin(NULL, NULL)) return;
    ft_session *s = session_of(1, 40, FT_KV_F16, 4);
    const int32_t *tokens = some_tokens(0);
    expected = alone(s, 0, tokens, N);
    got = (float *)calloc((size_t)N * (size_t)n_vocab, sizeof *got);
    int a = open_of(s, 0), b = open_of(s, 0), closed = open_of(s, 0);
    ft_session_close(s, closed);
    beyond[1] = n_vocab;
    ft_feed half = {a, tokens, 15, NULL, got};
    CHECK_OK(ft_session_decode(s, &half, 1, &err), err);

    const struct { ft_feed feed; ft_status status; const char *needle; } wrong[] = {
        {{a, tokens, 26, NULL, NULL}, FT_ERR_CONTEXT, "feed 1: 15 tokens and 26 more are over the context of 40"},
        {{a, tokens, INT_MAX, NULL, NULL}, FT_ERR_CONTEXT, "over the context of 40"},
        {{a, negative, 3, NULL, NULL}, FT_ERR_TOKEN, "feed 1: token 2 is -1, expected 0 to "},
        {{a, low, 1, NULL, NULL}, FT_ERR_TOKEN, "token 0 is -2147483648"},
        {{a, beyond, 2, NULL, NULL}, FT_ERR_TOKEN, "feed 1: token 1 is "},
        {{b, tokens, 1, NULL, NULL}, FT_ERR_ARGUMENT, "feed 1: sequence 1 appears twice"},
        {{closed, tokens, 1, NULL, NULL}, FT_ERR_ARGUMENT, "feed 1: sequence 2 is not open"},
        {{3, tokens, 1, NULL, NULL}, FT_ERR_ARGUMENT, "sequence 3 is not open"},
        {{-1, tokens, 1, NULL, NULL}, FT_ERR_ARGUMENT, "sequence -1 is not open"},
        {{a, tokens, 0, NULL, NULL}, FT_ERR_ARGUMENT, "feed 1: found 0 tokens, expected at least 1"},
        {{a, tokens, -5, NULL, NULL}, FT_ERR_ARGUMENT, "found -5 tokens"},
    };
    CHECK_ERROR(ft_session_decode(s, &half, -1, &err), FT_ERR_ARGUMENT, err, "n_feeds: found -1");
    for (size_t i = 0; i < FT__COUNT(wrong); i++) {
        ft_feed feeds[2] = {{b, tokens, 2, NULL, NULL}, wrong[i].feed};
        CHECK_ERROR(ft_session_decode(s, feeds, 2, &err), wrong[i].status, err, wrong[i].needle);
        CHECK_INT(ft_session_decode(s, feeds, 2, NULL), wrong[i].status);
    }
    ft_feed rest = {a, tokens + 15, 15, NULL, got + 15 * (size_t)n_vocab};
    CHECK_OK(ft_session_decode(s, &rest, 1, &err), err);
    CHECK(same(expected, got, N)); /* all those changed nothing */
    memset(got, 0, (size_t)N * (size_t)n_vocab * sizeof *got);
    ft_feed all = {b, tokens, N, NULL, got};
    CHECK_OK(ft_session_decode(s, &all, 1, &err), err);
    CHECK(same(expected, got, N)); /* nor did the good halves of their batches */
    ft_feed full = {b, tokens, 10, NULL, NULL}, over = {b, tokens, 1, NULL, NULL};
    CHECK_OK(ft_session_decode(s, &full, 1, &err), err); /* 40 of 40 */
    CHECK_ERROR(ft_session_decode(s, &over, 1, &err), FT_ERR_CONTEXT, err, "40 tokens and 1 more");
    CHECK_OK(ft_session_decode(s, NULL, 0, &err), err);
    free(expected);
    free(got);
    ft_session_free(s);
    end();
}

/* ---- the cache */

/* Smaller caches cost accuracy, but not more than their bits: half of the mantissa's last one relative to a
   number for F16, to the largest of 32 for Q8_0.  (Logits have a std of 2; random weights amplify errors.) */
TEST(session, types_of_the_cache) {
    tiny_model options;
    memset(&options, 0, sizeof options);
    options.n_embd = 256; /* heads of 64: two scales each */
    if (!begin(&options, NULL)) return;
    float *expected = NULL;
    size_t bytes[3];
    static const ft_kv_type types[3] = {FT_KV_F32, FT_KV_F16, FT_KV_Q8_0};
    static const double most[3] = {0, 1e-2, 0.4};
    for (int i = 0; i < 3; i++) {
        ft_session *s = session_of(1, N, types[i], 0);
        float *got = alone(s, 0, some_tokens(3), N);
        double largest = 0;
        for (int k = 0; k < N * n_vocab && i; k++) {
            double off = (double)got[k] - (double)expected[k];
            if (off < 0) off = -off;
            if (off > largest) largest = off;
        }
        bytes[i] = ft_session_get_stats(s).kv_bytes;
        test_note("cache %d: %d bytes, logits at most %.5f off", (int)types[i], (int)bytes[i], largest);
        CHECK(largest <= most[i] && (i == 0 || largest > 0));
        if (i == 0) expected = got;
        else free(got);
        ft_session_free(s);
    }
    CHECK(bytes[1] < bytes[0] * 51 / 100 && bytes[2] < bytes[1] * 57 / 100);
    free(expected);
    end();
}

/* What decoding may not take, it does not take a part of. */
TEST(session, bounded_cache) {
    ft_error err;
    if (!begin(NULL, NULL)) return;
    ft_session *s = session_of(1, 300, FT_KV_F16, 0);
    float *expected = alone(s, 0, some_tokens(0), N), *got = (float *)calloc((size_t)N * (size_t)n_vocab, sizeof *got);
    const size_t page = ft_session_get_stats(s).kv_bytes;
    ft_session_free(s);
    ft_session_desc desc = {1, 300, FT_KV_F16, 0, 0, 3 * page + page / 2, false};
    s = ft_session_create(model, &desc, &err);
    int a = open_of(s, 0), b = open_of(s, 0);
    ft_feed feeds[2] = {{a, some_tokens(0), 10, NULL, got}, {b, some_tokens(1), N, NULL, NULL}};
    CHECK_OK(ft_session_decode(s, feeds, 2, &err), err);
    CHECK_INT(ft_session_get_stats(s).kv_bytes, 2 * page);
    for (int i = 0; i < 3; i++) CHECK_OK(ft_session_decode(s, &feeds[1], 1, &err), err); /* b has 120, two pages */
    feeds[0].tokens += 10, feeds[0].n_tokens = 20, feeds[0].all_logits = got + 10 * (size_t)n_vocab;
    CHECK_ERROR(ft_session_decode(s, feeds, 2, &err), FT_ERR_LIMIT, err,
                "kv_bytes: 3 pages of "); /* b's third page */
    CHECK_INT(ft_session_get_stats(s).tokens_computed, 130);
    CHECK_OK(ft_session_decode(s, feeds, 1, &err), err);
    CHECK(same(expected, got, N));
    ft_session_close(s, a);
    CHECK_OK(ft_session_decode(s, &feeds[1], 1, &err), err); /* now there is room */
    ft_session_stats stats = ft_session_get_stats(s);
    CHECK_INT(stats.tokens_computed, 180);
    CHECK(stats.kv_bytes == 3 * page && stats.kv_bytes_peak == 3 * page && stats.tokens_shared == 0);
    free(expected);
    free(got);
    ft_session_free(s);
    desc.kv_bytes = page - 1; /* not one page */
    s = ft_session_create(model, &desc, &err);
    feeds[1].sequence = open_of(s, 0);
    CHECK_ERROR(ft_session_decode(s, &feeds[1], 1, &err), FT_ERR_LIMIT, err, "expected at most 0 in all");
    ft_session_free(s);
    end();
}

static ft__kv cache;
static ft_allocator cache_memory;

static void cache_begin(size_t n_pages) {
    memset(&cache, 0, sizeof cache);
    cache_memory = ft__allocator(NULL);
    ft__kv_init(&cache, &cache_memory, 64, 0);
    ft__kv_init(&cache, &cache_memory, 64, n_pages * cache.page_bytes);
}

static const int32_t *page_tokens(int from) {
    static int32_t tokens[FT__TILE];
    for (int i = 0; i < FT__TILE; i++) tokens[i] = from + i;
    return tokens;
}

/* A chain of pages is found from its beginning only; it goes from its end, the longest idle first. */
TEST(session, pages_are_shared_and_forgotten) {
    cache_begin(4);
    uint8_t *a = ft__kv_take(&cache), *b = ft__kv_take(&cache), *c = ft__kv_take(&cache), *d = ft__kv_take(&cache);
    CHECK(a && b && c && d && !ft__kv_take(&cache));
    CHECK(ft__kv_learn(&cache, NULL, 0, page_tokens(1), a) == a);
    CHECK(ft__kv_learn(&cache, a, 0, page_tokens(2), b) == b);
    CHECK(ft__kv_learn(&cache, NULL, 1, page_tokens(1), c) == c); /* of another variant */
    CHECK(ft__kv_find(&cache, NULL, 0, page_tokens(1)) == a && ft__kv_find(&cache, a, 0, page_tokens(2)) == b);
    CHECK(ft__kv_find(&cache, NULL, 1, page_tokens(1)) == c);
    CHECK(!ft__kv_find(&cache, NULL, 0, page_tokens(2)) && !ft__kv_find(&cache, c, 1, page_tokens(2)) &&
          !ft__kv_find(&cache, NULL, 2, page_tokens(1)) && !ft__kv_find(&cache, b, 0, page_tokens(2)));
    CHECK(ft__kv_learn(&cache, NULL, 0, page_tokens(1), d) == a); /* known already: d goes, a is held twice */
    CHECK_INT(ft__kv_used(&cache), 3);
    CHECK(ft__kv_take(&cache) == d);
    CHECK(!ft__kv_take(&cache)); /* all are held */
    ft__kv_give(&cache, b);
    ft__kv_give(&cache, a);
    CHECK_INT(ft__kv_used(&cache), 3); /* b is idle, a is held once more */
    ft__kv_give(&cache, a);
    ft__kv_give(&cache, c);
    CHECK_INT(ft__kv_used(&cache), 1);
    ft__kv_hold(&cache, a); /* used again, and with it b is not */
    ft__kv_give(&cache, a);
    CHECK(ft__kv_take(&cache) == b && !ft__kv_find(&cache, a, 0, page_tokens(2)));
    CHECK(ft__kv_take(&cache) == c && !ft__kv_find(&cache, NULL, 1, page_tokens(1)));
    CHECK(ft__kv_find(&cache, NULL, 0, page_tokens(1)) == a);
    CHECK(ft__kv_take(&cache) == a && !ft__kv_find(&cache, NULL, 0, page_tokens(1)));
    uint8_t *all[4] = {a, b, c, d};
    for (int i = 0; i < 4; i++) ft__kv_give(&cache, all[i]);
    CHECK_INT(cache.n_pages, 4);
    ft__kv_clear(&cache);
}

static int by_hash(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Two prefixes of one hash are still two prefixes. */
TEST(session, equal_hashes) {
    enum { MANY = 300000 };
    uint64_t *hashes = (uint64_t *)malloc(MANY * sizeof *hashes);
    for (int i = 0; i < MANY; i++) hashes[i] = (uint64_t)ft__kv_hash(NULL, 0, page_tokens(i)) << 32 | (uint32_t)i;
    qsort(hashes, MANY, sizeof *hashes, by_hash);
    int n_equal = 0;
    for (int i = 1; i < MANY && n_equal < 5; i++) {
        if (hashes[i] >> 32 != hashes[i - 1] >> 32) continue;
        const int ids[2] = {(int)(hashes[i] & 0xFFFFFFFF), (int)(hashes[i - 1] & 0xFFFFFFFF)};
        uint8_t *pages[2];
        cache_begin(2);
        for (int k = 0; k < 2; k++) {
            CHECK(!ft__kv_find(&cache, NULL, 0, page_tokens(ids[k])));
            pages[k] = ft__kv_take(&cache);
            CHECK(ft__kv_learn(&cache, NULL, 0, page_tokens(ids[k]), pages[k]) == pages[k]);
        }
        for (int k = 0; k < 2; k++) CHECK(ft__kv_find(&cache, NULL, 0, page_tokens(ids[k])) == pages[k]);
        for (int k = 0; k < 2; k++) ft__kv_give(&cache, pages[k]);
        ft__kv_clear(&cache);
        n_equal++;
    }
    CHECK(n_equal > 0);
    free(hashes);
    cache_begin(3); /* and behind another page: the hashes of both are made equal by hand */
    uint8_t *a = ft__kv_take(&cache), *b = ft__kv_take(&cache), *c = ft__kv_take(&cache);
    const size_t header = (sizeof(ft__kv_page) + 63) / 64 * 64;
    ft__kv_page *page_a = (ft__kv_page *)(void *)(a - header), *page_b = (ft__kv_page *)(void *)(b - header);
    CHECK(ft__kv_learn(&cache, NULL, 0, page_tokens(1), a) == a && ft__kv_learn(&cache, NULL, 0, page_tokens(2), b) == b);
    CHECK(ft__kv_learn(&cache, a, 0, page_tokens(3), c) == c);
    const uint32_t hash = page_b->hash;
    page_b->hash = page_a->hash;
    CHECK(ft__kv_find(&cache, a, 0, page_tokens(3)) == c && !ft__kv_find(&cache, b, 0, page_tokens(3)));
    page_b->hash = hash;
    uint8_t *all[3] = {c, b, a};
    for (int i = 0; i < 3; i++) ft__kv_give(&cache, all[i]);
    ft__kv_clear(&cache);
}

/* ---- numbers that go wrong */

/* Decodes four tokens of a file; its status. */
static ft_status decode_file(const char *path, ft_kv_type kv, ft_error *err) {
    static float logits[4 * 4096];
    static const int32_t tokens[4] = {1, 270, 300, 5};
    ft_session_desc desc = {1, 8, kv, 0, 0, 0, false};
    int sequence;
    ft_model *m = ft_model_load(path, NULL, err);
    ft_session *s = m ? ft_session_create(m, &desc, err) : NULL;
    ft_status status = s ? ft_session_open(s, 0, &sequence, err) : err->code;
    ft_feed feed = {0, tokens, 4, NULL, logits};
    if (!status) status = ft_session_decode(s, &feed, 1, err);
    ft_session_free(s);
    ft_model_free(m);
    return status;
}

TEST(session, weights_that_are_no_numbers) {
    static const char *const places[] = {
        "token_embd.weight", "output.weight", "output_norm.weight", "blk.0.attn_norm.weight",
        "blk.1.attn_q.weight", "blk.0.attn_k.weight", "blk.1.attn_v.weight", "blk.0.attn_output.weight",
        "blk.0.ffn_norm.weight", "blk.1.ffn_gate.weight", "blk.0.ffn_up.weight", "blk.1.ffn_down.weight",
        "blk.0.ffn_gate_inp.weight", "blk.1.ffn_gate_exps.weight", "blk.0.ffn_down_exps.weight"};
    static const uint32_t bad[] = {0x7FC00000u, 0x7F800000u, 0xFF800000u, 0xFFC00000u};
    static const uint32_t types[] = {FT__FORMAT_F32, FT__FORMAT_Q8_0};
    for (int round = 0; round < 4; round++) {
        tiny_model options;
        const char *path = test_path("broken.gguf");
        size_t n;
        ft_error err;
        memset(&options, 0, sizeof options);
        options.type = types[round % 2];
        options.n_experts = round < 2 ? 0 : 4;
        options.n_experts_used = 4; /* whichever is broken takes part */
        tiny_write_model(path, &options);
        char *whole = test_read(path, &n);
        CHECK_OK(decode_file(path, FT_KV_F32, &err), err);
        for (size_t i = 0; i < FT__COUNT(places); i++) {
            ft__gguf g;
            CHECK_OK(ft__gguf_open(&g, path, NULL, &err), err);
            const ft__gguf_tensor *t = ft__gguf_find(&g, places[i]);
            bool is_float = t && t->type == FT__FORMAT_F32;
            bool embedding = i == 0;
            ft__gguf_close(&g);
            for (size_t b = 0; b < FT__COUNT(bad) && t; b++) {
                uint16_t half = ft__f32_to_f16(ft__float_of(bad[b]));
                size_t token = embedding ? 270 * (is_float ? 64 * 4 : 68) : 0;
                if (is_float) edit_poke(path, places[i], token + 20, &bad[b], 4);
                else edit_poke(path, places[i], token, &half, 2);
                for (int kv = 0; kv < 3; kv++) {
                    err.message[0] = 0;
                    if (!CHECK_ERROR(decode_file(path, (ft_kv_type)kv, &err), FT_ERR_NUMERIC, err, "broken.gguf: "))
                        test_note("%s, %08X, kv %d, round %d", places[i], bad[b], kv, round);
                }
                test_write(path, whole, n);
            }
        }
        free(whole);
    }
}

/* One expert's router row alone: a NaN there must not pass for "never chosen". */
TEST(session, router_that_is_no_number) {
    tiny_model options;
    ft_error err;
    uint32_t nan = 0x7FC00000u;
    memset(&options, 0, sizeof options);
    options.n_experts = 6;
    for (size_t expert = 0; expert < 6; expert++) {
        tiny_write_model(test_path("router.gguf"), &options);
        edit_poke(test_path("router.gguf"), "blk.1.ffn_gate_inp.weight", expert * 64 * 4, &nan, 4);
        CHECK_ERROR(decode_file(test_path("router.gguf"), FT_KV_F32, &err), FT_ERR_NUMERIC, err, "not finite");
    }
}

/* Keys that F16 cannot hold: an error there, and right with F32. */
TEST(session, keys_beyond_f16) {
    float bias[32];
    ft_error err;
    edit e;
    if (!begin(NULL, NULL)) return;
    for (int i = 0; i < 32; i++) bias[i] = i == 7 ? 1e5f : 0;
    static const char *const names[] = {"blk.1.attn_k.bias", "blk.0.attn_v.bias"};
    for (size_t i = 0; i < 2; i++) {
        edit_begin(&e, base_path);
        edit_tensor(&e, names[i], FT__FORMAT_F32, 32, 1, bias);
        edit_save(&e, test_path("large.gguf"));
        CHECK_ERROR(decode_file(test_path("large.gguf"), FT_KV_F16, &err), FT_ERR_NUMERIC, err,
                    "large.gguf: a key or value does not fit the cache: use an F32 cache (kv f32)");
        CHECK_OK(decode_file(test_path("large.gguf"), FT_KV_F32, &err), err);
        CHECK_OK(decode_file(test_path("large.gguf"), FT_KV_Q8_0, &err), err); /* its scales are floats */
    }
    end();
}

#if defined(__x86_64__)
#include <xmmintrin.h>

/* A program that changed the processor's float settings is told so instead of other numbers. */
TEST(session, changed_float_mode) {
    static const struct { unsigned bits; const char *needle; } modes[] = {
        {0x8000, "the program flushes subnormal numbers to zero"},
        {0x0040, "the program flushes subnormal numbers to zero"},
        {0x8040, "flushes subnormal"},
        {0x2000, "the program changed the rounding mode"},
        {0x4000, "rounding"},
        {0x6000, "rounding"}};
    unsigned usual = _mm_getcsr();
    if (!begin(NULL, NULL)) return;
    ft_session *s = session_of(1, N, FT_KV_F16, 0);
    int sequence = open_of(s, 0);
    for (size_t i = 0; i < FT__COUNT(modes); i++) {
        ft_error of_load, of_session, of_decode;
        int32_t token = 1;
        ft_feed feed = {sequence, &token, 1, NULL, NULL};
        _mm_setcsr(usual | modes[i].bits);
        ft_model *m = ft_model_load(base_path, NULL, &of_load);
        ft_session *other = ft_session_create(model, NULL, &of_session);
        ft_status status = ft_session_decode(s, &feed, 1, &of_decode);
        _mm_setcsr(usual);
        CHECK(!m && !other);
        CHECK_ERROR(of_load.code, FT_ERR_FLOAT_MODE, of_load, modes[i].needle);
        CHECK_ERROR(of_session.code, FT_ERR_FLOAT_MODE, of_session, modes[i].needle);
        CHECK_ERROR(status, FT_ERR_FLOAT_MODE, of_decode, modes[i].needle);
        ft_model_free(m);
        ft_session_free(other);
    }
    ft_session_free(s);
    end();
}
#endif

TEST(session, unknown_instruction_set) {
    setenv("FT_ISA", "sse9", 1);
    ft_error err;
    tiny_write_model(test_path("base.gguf"), NULL);
    CHECK(ft_model_load(test_path("base.gguf"), NULL, &err) == NULL);
    unsetenv("FT_ISA");
    CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, "FT_ISA: found \"sse9\", expected scalar, avx2, avx512, neon or dotprod");
}

/* ---- the machine's limits */

TEST(session, no_file_handles_left) {
    struct rlimit usual, none;
    ft_error err;
    tiny_write_model(test_path("base.gguf"), NULL);
    const char *path = test_path("base.gguf");
    fflush(stdout);
    getrlimit(RLIMIT_NOFILE, &usual);
    none = usual;
    none.rlim_cur = 0;
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    ft_model *m = ft_model_load(path, NULL, &err);
    setrlimit(RLIMIT_NOFILE, &usual);
    CHECK(m == NULL);
    CHECK_ERROR(err.code, FT_ERR_IO, err, "base.gguf: cannot open: ");
}

/* Threads need address space for their stacks: with little of it, not all of 256 can start. */
TEST(session, no_threads_left) {
    if (SANITIZED) SKIP("the sanitizers need the address space");
    if (!begin(NULL, NULL)) return;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        ft_error err = {FT_OK, "", ""};
        struct rlimit little = {(rlim_t)192 << 20, (rlim_t)192 << 20};
        ft_session_desc desc = {256, 0, FT_KV_F16, 8, 0, 0, false};
        setrlimit(RLIMIT_AS, &little);
        ft_session *s = ft_session_create(model, &desc, &err);
        bool right = !s && err.code == FT_ERR_THREAD && strstr(err.message, "of 256") && strcmp(err.where, "threads") == 0;
        _exit(right ? 0 : s ? 100 : (int)err.code);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
    end();
}

/* ---- out of memory */

/* Fails one request alone, or that and all later ones. */
typedef struct failing {
    test_memory memory;
    bool once;
} failing;

static bool fails_now(failing *f) {
    long request = __atomic_add_fetch(&f->memory.requests, 1, __ATOMIC_RELAXED);
    return f->memory.fail_at && (f->once ? request == f->memory.fail_at : request >= f->memory.fail_at);
}

static void *failing_alloc(void *user, size_t size) {
    failing *f = (failing *)user;
    if (fails_now(f)) return NULL;
    __atomic_add_fetch(&f->memory.live, 1, __ATOMIC_RELAXED);
    return malloc(size);
}

static void *failing_resize(void *user, void *memory, size_t size) {
    failing *f = (failing *)user;
    if (!memory) return failing_alloc(user, size);
    return fails_now(f) ? NULL : realloc(memory, size);
}

static void failing_release(void *user, void *memory) {
    if (memory) __atomic_sub_fetch(&((failing *)user)->memory.live, 1, __ATOMIC_RELAXED);
    free(memory);
}

static int swallow(void *user, const char *bytes, size_t n) {
    ft__sha256_add((ft__sha256 *)user, bytes, n);
    return 0;
}

/* All that a session does, in one go; the first status that is not FT_OK.  What came out goes to `h`. */
static ft_status everything(const ft_allocator *a, ft__sha256 *h, ft_error *err) {
    static const int32_t tokens[70] = {1, 270, 300, 5};
    static float logits[4096];
    char scaled[600];
    const char *specs[2] = {scaled, second_path};
    ft_model_desc desc;
    ft_session_desc with = {2, 128, FT_KV_F16, 16, 2, 0, false};
    int variant, sequences[3];
    ft_status status = FT_OK;
    memset(&desc, 0, sizeof desc);
    desc.allocator = *a;
    snprintf(scaled, sizeof scaled, "%s:0.5", first_path);
    err->code = FT_OK;
    ft_model *m = ft_model_load(base_path, &desc, err);
    ft_adapter *adapter = m ? ft_adapter_load(m, first_path, err) : NULL;
    ft_session *s = adapter ? ft_session_create(m, &with, err) : NULL;
    if (!s) status = err->code;
    ft_adapter_use use = {adapter, 1};
    if (!status) status = ft_session_add_variant(s, &use, 1, &variant, err);
    if (!status) status = ft_session_load_variant(s, specs, 2, &variant, err);
    for (int i = 0; i < 3 && !status; i++) status = ft_session_open(s, i, &sequences[i], err);
    for (int i = 0; i < 2 && !status; i++) {
        ft_feed feeds[3] = {{sequences[0], tokens, 4, logits, NULL}, {sequences[1], tokens, 33, logits, NULL},
                            {sequences[2], tokens, 17, logits, NULL}};
        status = ft_session_decode(s, feeds, 3, err);
        if (!status) ft__sha256_add(h, logits, (size_t)n_vocab * sizeof *logits);
    }
    if (!status) status = ft_session_write_logits(s, 2, tokens, 70, swallow, h, err);
    if (!status) status = ft_write_tokens(m, "the end", 7, 0, swallow, h, err);
    ft_request requests[3];
    ft_completion out[3];
    static const char *const stops[2] = {"zzzz", "qqqq"};
    memset(requests, 0, sizeof requests);
    for (int i = 0; i < 3; i++) {
        requests[i].variant = i;
        requests[i].text = "hello world";
        requests[i].text_len = 11;
        requests[i].max_tokens = 20;
        requests[i].sampling.temperature = 1;
        requests[i].stops = stops;
        requests[i].n_stops = 2;
        requests[i].want_logprobs = i == 1;
    }
    float logprobs[2][69];
    int32_t top[69 * 2];
    ft_score_request scores[2] = {{1, tokens, 70, 0, logprobs[0], 2, top, NULL},
                                  {1, tokens, 70, 66, logprobs[1], 0, NULL, NULL}};
    if (!status && !(status = ft_session_score(s, scores, 2, err))) {
        ft__sha256_add(h, logprobs[0], sizeof logprobs[0]);
        ft__sha256_add(h, logprobs[1], 4 * sizeof(float));
        ft__sha256_add(h, top, sizeof top);
    }
    if (!status && !(status = ft_session_generate(s, requests, 3, out, NULL, err))) {
        for (int i = 0; i < 3; i++) ft__sha256_add(h, out[i].text, out[i].text_len);
        ft__sha256_add(h, out[1].logprobs, (size_t)out[1].n_tokens * sizeof(float));
        ft_completions_free(s, out, 3);
    }
    ft_session_free(s);
    ft_adapter_free(adapter);
    ft_model_free(m);
    return status;
}

static void starve(bool once) {
    uint8_t expected[32], got[32];
    ft__sha256 h;
    ft_error err = {FT_OK, "", ""};
    failing f;
    memset(&f, 0, sizeof f);
    ft_allocator a = {&f, failing_alloc, failing_resize, failing_release};
    ft__sha256_init(&h);
    CHECK_OK(everything(&a, &h, &err), err);
    ft__sha256_end(&h, expected);
    long n = f.memory.requests;
    CHECK_INT(f.memory.live, 0);
    f.once = once;
    int survived = 0;
    for (long i = 1; i <= n; i++) {
        f.memory.requests = 0;
        f.memory.fail_at = i;
        ft__sha256_init(&h);
        ft_status status = everything(&a, &h, &err);
        ft__sha256_end(&h, got);
        bool fine = CHECK_INT(f.memory.live, 0);
        if (status == FT_OK) survived++; /* a cache that could not grow, and is not needed to */
        if (status == FT_OK) fine &= CHECK(memcmp(expected, got, 32) == 0);
        else fine &= CHECK_ERROR(status, FT_ERR_MEMORY, err, "out of memory");
        if (fine) continue;
        test_note("request %ld of %ld failed%s", i, n, once ? " alone" : "");
        return;
    }
    test_note("%ld requests, %d of them may fail", n, survived);
    CHECK(n > 50 && survived < 10);
}

TEST(session, out_of_memory) {
    tiny_model options;
    memset(&options, 0, sizeof options);
    options.type = FT__FORMAT_Q8_0; /* which is packed */
    if (!begin(&options, NULL)) return;
    starve(false);
    starve(true);
    end();
}

/* Decoding itself asks for pages of the cache and, once, for a list. */
TEST(session, out_of_pages) {
    test_memory memory;
    ft_error err;
    memset(&memory, 0, sizeof memory);
    ft_allocator a = test_allocator(&memory);
    if (!begin(NULL, &a)) return;
    ft_session *s = session_of(1, 100, FT_KV_F16, 0);
    int sequence = open_of(s, 0);
    ft_feed feed = {sequence, some_tokens(0), 30, NULL, NULL};
    for (int i = 0; i < 3; i++) CHECK_OK(ft_session_decode(s, &feed, i < 2 ? 1 : 0, &err), err);
    memory.fail_at = memory.requests + 1;
    CHECK_ERROR(ft_session_decode(s, &feed, 1, &err), FT_ERR_MEMORY, err, "out of memory"); /* 61..90 */
    memory.fail_at = 0;
    ft_session_close(s, sequence);
    sequence = open_of(s, 0);
    CHECK_OK(ft_session_decode(s, &feed, 1, &err), err);
    ft_session_free(s);
    end();
    CHECK_INT(memory.live, 0);
}

/* ---- whole sequences written, variants from files */

typedef struct sink {
    ft__buf bytes;
    int calls, refuse_at;
} sink;

static int take(void *user, const char *bytes, size_t n) {
    sink *k = (sink *)user;
    if (++k->calls == k->refuse_at) return 1;
    ft__buf_add(&k->bytes, bytes, n);
    return 0;
}

static void sink_init(sink *k, int refuse_at) {
    memset(k, 0, sizeof *k);
    ft__buf_init(&k->bytes, NULL);
    k->refuse_at = refuse_at;
}

TEST(session, write_logits) {
    static int32_t tokens[150];
    ft_error err;
    sink k;
    if (!begin(NULL, NULL)) return;
    ft_session *s = session_of(2, 150, FT_KV_F16, 32);
    int variant = variant_of(s, first, 1, NULL, 0);
    for (int i = 0; i < 150; i++) tokens[i] = (i * 37 + 1) % n_vocab;
    static const int lengths[] = {1, 63, 64, 65, 150};
    for (size_t i = 0; i < FT__COUNT(lengths); i++) {
        int n = lengths[i];
        float *expected = alone(s, variant, tokens, n);
        sink_init(&k, 0);
        CHECK_OK(ft_session_write_logits(s, variant, tokens, n, take, &k, &err), err);
        CHECK_INT(k.bytes.len, (size_t)n * (size_t)n_vocab * 4);
        CHECK(k.bytes.len == (size_t)n * (size_t)n_vocab * 4 && memcmp(k.bytes.data, expected, k.bytes.len) == 0);
        ft__buf_free(&k.bytes);
        free(expected);
    }
    sink_init(&k, 2);
    CHECK_ERROR(ft_session_write_logits(s, 0, tokens, 150, take, &k, &err), FT_ERR_CANCELLED, err, "refused");
    CHECK_INT(k.calls, 2);
    CHECK_ERROR(ft_session_write_logits(s, 9, tokens, 5, take, &k, &err), FT_ERR_ARGUMENT, err, "variant: found 9");
    tokens[100] = -1; /* far behind: no row is written before it is found */
    CHECK_ERROR(ft_session_write_logits(s, 0, tokens, 150, take, &k, &err), FT_ERR_TOKEN, err, "token 100 is -1");
    CHECK_INT(k.calls, 2);
    tokens[3] = -1;
    CHECK_ERROR(ft_session_write_logits(s, 0, tokens, 5, take, &k, &err), FT_ERR_TOKEN, err, "token 3 is -1");
    CHECK_INT(open_of(s, 0), 0); /* none of those left a sequence open */
    ft__buf_free(&k.bytes);
    ft_session_free(s);
    end();
}

/* "FILE" or "FILE:SCALE"; names may hold colons. */
TEST(session, variants_from_files) {
    char spec[700], colon[512];
    const char *specs[2] = {spec, second_path};
    ft_error err;
    int variant = -1;
    size_t n;
    if (!begin(NULL, NULL)) return;
    ft_session *s = session_of(1, N, FT_KV_F16, 0);
    snprintf(colon, sizeof colon, "%s", test_path("a:b:1.gguf"));
    char *bytes = test_read(first_path, &n);
    test_write(colon, bytes, n);
    free(bytes);
    const struct { const char *path, *suffix; float scale; } right[] = {
        {first_path, "", 1},     {first_path, ":1", 1},         {first_path, ":0.5", 0.5f}, {first_path, ":-0.25", -0.25f},
        {first_path, ":0", 0},   {first_path, ":5e-1", 0.5f},   {colon, "", 1},             {colon, ":0.5", 0.5f}};
    for (size_t i = 0; i < FT__COUNT(right); i++) {
        snprintf(spec, sizeof spec, "%s%s", right[i].path, right[i].suffix);
        if (!CHECK_OK(ft_session_load_variant(s, specs, 1, &variant, &err), err)) continue;
        float *expected = alone(s, variant_of(s, first, right[i].scale, NULL, 0), some_tokens(0), N);
        float *got = alone(s, variant, some_tokens(0), N);
        if (!CHECK(same(expected, got, N))) test_note("%s", spec);
        free(expected);
        free(got);
    }
    snprintf(spec, sizeof spec, "%s:0.5", first_path);
    CHECK_OK(ft_session_load_variant(s, specs, 2, &variant, &err), err);
    float *expected = alone(s, variant_of(s, first, 0.5f, second, 1), some_tokens(0), N);
    float *got = alone(s, variant, some_tokens(0), N);
    CHECK(same(expected, got, N));
    free(expected);
    free(got);
    CHECK_OK(ft_session_load_variant(s, NULL, 0, &variant, &err), err);
    const struct { const char *suffix; ft_status status; const char *needle; } wrong[] = {
        {":", FT_ERR_NOT_FOUND, "first.gguf:: cannot open"},    {":x", FT_ERR_NOT_FOUND, "first.gguf:x: cannot open"},
        {":0.5x", FT_ERR_NOT_FOUND, "first.gguf:0.5x"},         {":NaN", FT_ERR_NOT_FOUND, "first.gguf:NaN"},
        {":1e99", FT_ERR_ARGUMENT, "expected a finite number"}, {"x", FT_ERR_NOT_FOUND, "first.ggufx: cannot open"}};
    for (size_t i = 0; i < FT__COUNT(wrong); i++) {
        snprintf(spec, sizeof spec, "%s%s", first_path, wrong[i].suffix);
        int before = variant;
        CHECK_ERROR(ft_session_load_variant(s, specs, 1, &variant, &err), wrong[i].status, err, wrong[i].needle);
        CHECK_INT(ft_session_load_variant(s, specs, 1, &variant, NULL), wrong[i].status);
        CHECK_INT(variant, before);
    }
    snprintf(spec, sizeof spec, "%s", base_path);
    CHECK_ERROR(ft_session_load_variant(s, specs, 1, &variant, &err), FT_ERR_FORMAT, err, "general.type");
    CHECK_ERROR(ft_session_load_variant(s, specs, -1, &variant, &err), FT_ERR_ARGUMENT, err, "n_specs: found -1");
    ft_session_free(s);
    end();
}

/* ---- several sessions at once */

typedef struct worker {
    pthread_t thread;
    const int32_t *tokens;
    const float *expected;
    int which, wrong;
} worker;

static void *work(void *user) {
    worker *w = (worker *)user;
    ft_session_desc desc = {2, N, FT_KV_F16, 8, 0, 0, false};
    ft_session *s = ft_session_create(model, &desc, NULL);
    ft_adapter_use use = {first, 1};
    int variant, sequence;
    float *got = (float *)malloc((size_t)N * (size_t)n_vocab * sizeof *got);
    if (!s || ft_session_add_variant(s, &use, 1, &variant, NULL)) w->wrong++;
    for (int i = 0; i < 5 && !w->wrong; i++) {
        ft_feed feed = {0, w->tokens, N, NULL, got};
        w->wrong += ft_session_open(s, w->which % 2 ? variant : 0, &sequence, NULL) != FT_OK;
        feed.sequence = sequence;
        w->wrong += ft_session_decode(s, &feed, 1, NULL) != FT_OK || !same(got, w->expected, N);
        ft_session_close(s, sequence);
    }
    free(got);
    ft_session_free(s);
    return NULL;
}

TEST(session, several_at_once) {
    worker workers[4];
    if (!begin(NULL, NULL)) return;
    ft_session *s = session_of(1, N, FT_KV_F16, 0);
    float *expected[2];
    expected[0] = alone(s, 0, some_tokens(0), N);
    expected[1] = alone(s, variant_of(s, first, 1, NULL, 0), some_tokens(0), N);
    for (int i = 0; i < 4; i++) workers[i].tokens = some_tokens(0);
    for (int i = 0; i < 4; i++) {
        workers[i].which = i;
        workers[i].wrong = 0;
        workers[i].expected = expected[i % 2];
        CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(workers[i].thread, NULL);
        CHECK_INT(workers[i].wrong, 0);
    }
    free(expected[0]);
    free(expected[1]);
    ft_session_free(s);
    end();
}
