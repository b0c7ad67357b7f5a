/* The benchmark on a tiny model: what it writes, and what it refuses.  Figures are only asked to make
   sense; how fast is another matter. */
#include "test.h"
#include "tiny.h"
#include "../src/io/json.h"

static const char *bench_model(void) {
    const char *path = test_path("bench.gguf");
    tiny_model m;
    memset(&m, 0, sizeof m);
    m.type = FT__FORMAT_Q4_0;
    tiny_write_model(path, &m);
    return path;
}

static ft_bench_desc bench_small(const int *batches, int n_batches) {
    ft_bench_desc d;
    memset(&d, 0, sizeof d);
    d.n_prompt = 12;
    d.n_decode = 5;
    d.batches = batches;
    d.n_batches = n_batches;
    d.threads = 2;
    d.repeats = 1;
    return d;
}

static int bench_keep(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n);
    return 0;
}

static int bench_refuse(void *user, const char *bytes, size_t n) {
    (void)user, (void)bytes, (void)n;
    return 1;
}

/* The number at a path is there, finite and above 0. */
static double bench_positive(const ft__json *object, const char *path) {
    const ft__json *value = ft__json_path(object, path);
    bool ok = value && value->type == FT__JSON_NUMBER && ft__finite(value->number) && value->number > 0;
    if (!ok) test_note("%s is not a number above 0", path);
    CHECK(ok);
    return ok ? value->number : 0;
}

static void bench_check_json(const ft__json *o) {
    static const char *const numbers[] = {
        "prompt.tokens_per_s", "prompt.share_of_int8", "load_s", "peak_rss_bytes",
        "ceilings.int8_mac_per_s", "ceilings.read_bytes_per_s"};
    for (size_t i = 0; i < FT__COUNT(numbers); i++) bench_positive(o, numbers[i]);
    CHECK_INT(bench_positive(o, "prompt.n"), 12);
    CHECK_INT(bench_positive(o, "threads"), 2);
    const ft__json *isa = ft__json_get(o, "isa"), *decode = ft__json_get(o, "decode");
    CHECK(isa && isa->type == FT__JSON_STRING && isa->text_len > 0);
    if (!CHECK(decode && decode->type == FT__JSON_ARRAY && decode->count == 2)) return;
    CHECK_INT(bench_positive(decode->child, "batch"), 1);
    CHECK_INT(bench_positive(decode->child->next, "batch"), 3);
    for (const ft__json *row = decode->child; row; row = row->next) {
        bench_positive(row, "tokens_per_s");
        bench_positive(row, "share_of_int8");
        bench_positive(row, "share_of_read");
    }
    /* two layers of 64 x (64 + 32 + 32 + 64) and 3 x 64 x 128, and the head: all in Q4_0 */
    double products = 2 * (64 * 192 + 3 * 64 * 128) + 64.0 * tiny_vocab_size();
    CHECK_NEAR(bench_positive(o, "mac_per_token"), products, 0);
    CHECK_NEAR(bench_positive(o, "weight_bytes_per_token"), products / 32 * 18, 0);
}

TEST(bench, writes_json_and_a_table) {
    static const int batches[] = {1, 3};
    ft_bench_desc desc = bench_small(batches, 2);
    test_memory memory;
    ft_error err;
    ft__arena arena;
    ft__buf out;
    ft__json *object;
    memset(&memory, 0, sizeof memory);
    desc.allocator = test_allocator(&memory);
    ft__arena_init(&arena, NULL);
    ft__buf_init(&out, NULL);
    CHECK_OK(ft_bench(bench_model(), &desc, true, bench_keep, &out, &err), err);
    CHECK_INT(memory.live, 0);
    if (CHECK_OK(ft__json_parse(out.data, out.len, "bench", 1, &arena, &object, &err), err))
        bench_check_json(object);
    out.len = 0;
    CHECK_OK(ft_bench(test_path("bench.gguf"), &desc, false, bench_keep, &out, &err), err);
    CHECK(out.data && strstr(out.data, "prompt of 12 ") && strstr(out.data, "decode, batch 3 ") &&
          strstr(out.data, "peak memory "));
    ft__buf_free(&out);
    ft__arena_free(&arena);
}

TEST(bench, refuses_bad_arguments) {
    static const int no_sequences[] = {8, 0};
    const char *path = test_path("absent.gguf");
    ft_bench_desc desc = bench_small(no_sequences, 2);
    ft_error err;
    CHECK_ERROR(ft_bench(path, &desc, true, bench_refuse, NULL, &err), FT_ERR_ARGUMENT, err,
                "batch: found 0");
    desc = bench_small(no_sequences, 17);
    CHECK_ERROR(ft_bench(path, &desc, true, bench_refuse, NULL, &err), FT_ERR_ARGUMENT, err, "n_batches");
    desc = bench_small(no_sequences, 1);
    desc.n_prompt = -1;
    CHECK_ERROR(ft_bench(path, &desc, true, bench_refuse, NULL, &err), FT_ERR_ARGUMENT, err, "n_prompt");
    desc = bench_small(no_sequences, 1);
    desc.n_decode = -1;
    CHECK_ERROR(ft_bench(path, &desc, true, bench_refuse, NULL, &err), FT_ERR_ARGUMENT, err, "n_decode");
    desc = bench_small(no_sequences, 1);
    desc.repeats = 100;
    CHECK_ERROR(ft_bench(path, &desc, true, bench_refuse, NULL, &err), FT_ERR_ARGUMENT, err, "repeats");
    desc = bench_small(no_sequences, 1);
    desc.threads = 257;
    CHECK_ERROR(ft_bench(path, &desc, true, bench_refuse, NULL, &err), FT_ERR_ARGUMENT, err, "threads");
    desc = bench_small(no_sequences, 1);
    CHECK_ERROR(ft_bench(path, &desc, true, bench_refuse, NULL, &err), FT_ERR_NOT_FOUND, err, "absent");
    CHECK_ERROR(ft_bench(bench_model(), &desc, true, bench_refuse, NULL, &err), FT_ERR_CANCELLED, err,
                "refused");
    CHECK_INT(ft_bench(path, &desc, true, bench_refuse, NULL, NULL), FT_ERR_NOT_FOUND);
}

/* Every request for memory fails once; a run that gets far enough measures, so only some of them. */
TEST(bench, survives_lack_of_memory) {
    static const int one[] = {1};
    ft_bench_desc desc = bench_small(one, 1);
    test_memory memory;
    ft_error err;
    const char *path = bench_model();
    memset(&memory, 0, sizeof memory);
    desc.n_decode = 1;
    desc.allocator = test_allocator(&memory);
    ft__buf out;
    ft__buf_init(&out, NULL);
    CHECK_OK(ft_bench(path, &desc, true, bench_keep, &out, &err), err);
    long n = memory.requests;
    for (long fail_at = 1; fail_at <= n; fail_at += fail_at < 3 || fail_at > n - 2 ? 1 : n / 3) {
        memset(&memory, 0, sizeof memory);
        memory.fail_at = fail_at;
        ft_status status = ft_bench(path, &desc, true, bench_keep, &out, &err);
        if (memory.requests >= fail_at) CHECK_INT(status, FT_ERR_MEMORY);
        CHECK_INT(memory.live, 0);
    }
    ft__buf_free(&out);
}
