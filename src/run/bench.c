/* How fast a model runs here, and how far that is from what the machine allows.

     prompts   are bound by multiplications: the ceiling is the best integer dot product instruction
               that the machine has, on registers alone
     decoding  reads every weight once a step: the ceiling is a sum over a buffer that no cache holds

   A shared machine changes its speed by the second.  So both ceilings are measured between the timed
   steps, on as many threads, and a share is the median of ratios that were taken at the same time. */
#include "run.h"

#include <sys/resource.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

enum {
    FT__BENCH_MAX_BATCHES = 16, FT__BENCH_MAX_REPEATS = 99,
    FT__BENCH_BATCH_PROMPT = 128,          /* tokens of each sequence before a batch decodes */
    FT__BENCH_WARM_STEPS = 4,
    FT__BENCH_PATIENCE = 60,               /* seconds after which a row begins no further repetition */
    FT__BENCH_PROBES = 8,                  /* looks at the ceilings during a repetition */
    FT__BENCH_READ_BYTES = 512 << 20,
    FT__BENCH_READ_PART = 4 << 20,         /* bytes that one thread reads at a time */
    FT__BENCH_MULTIPLY_TURNS = 4000000
};

/* ---- what the machine can do */

/* Reads n bytes, a multiple of 256.  The prefetch reaches over the ends of pages, where the hardware's
   own stops.  A macro, as an inline function would lose the target's vector registers. */
typedef uint64_t ft__bench_wide __attribute__((vector_size(64), may_alias));
#define FT__BENCH_READ(bytes, n)                                                                   \
    do {                                                                                           \
        const ft__bench_wide *at = (const ft__bench_wide *)(const void *)(bytes);                  \
        const ft__bench_wide *end = at + (n) / sizeof *at;                                         \
        ft__bench_wide a = *at, b = a, c = a, d = a;                                               \
        for (; at < end; at += 4) {                                                                \
            for (int line = 0; line < 4; line++) __builtin_prefetch(at + 8 + line);                \
            a += at[0], b += at[1], c += at[2], d += at[3];                                        \
        }                                                                                          \
        __asm__ volatile("" : : "m"(a), "m"(b), "m"(c), "m"(d));                                   \
    } while (0)

/* One way to multiply and to read; loops in assembly are the same at every optimisation. */
typedef struct ft__bench_unit {
    const char *name;
    int macs; /* products of int8 added up per turn */
    bool (*present)(void);
    void (*multiply)(long turns);
    void (*read)(const uint8_t *bytes, size_t n);
} ft__bench_unit;

/* Twelve independent sums: more than latency times units of any of these machines. */
#define FT__BENCH_TWELVE(X)                                                                        \
    X("0") X("1") X("2") X("3") X("4") X("5") X("6") X("7") X("8") X("9") X("10") X("11")

#if defined(__x86_64__)
#define FT__BENCH_REGISTERS                                                                        \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",       \
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc"
#define FT__BENCH_LOOP(X)                                                                          \
    __asm__ volatile("1:\n\t" FT__BENCH_TWELVE(X) "dec %0\n\tjnz 1b\n\tvzeroupper"                 \
                     : "+r"(turns) : : FT__BENCH_REGISTERS)

static bool ft__bench_has_avx2(void) { return __builtin_cpu_supports("avx2"); }

static void ft__bench_multiply_avx2(long turns) {
#define FT__BENCH_STEP(sum)                                                                        \
    "vpmaddubsw %%ymm14, %%ymm15, %%ymm12\n\tvpmaddwd %%ymm12, %%ymm13, %%ymm12\n\t"               \
    "vpaddd %%ymm12, %%ymm" sum ", %%ymm" sum "\n\t"
    FT__BENCH_LOOP(FT__BENCH_STEP);
#undef FT__BENCH_STEP
}

__attribute__((target("avx2"))) static void ft__bench_read_avx2(const uint8_t *bytes, size_t n) {
    FT__BENCH_READ(bytes, n);
}

static bool ft__bench_has_vnni512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni");
}

static void ft__bench_multiply_vnni512(long turns) {
#define FT__BENCH_STEP(sum) "vpdpbusd %%zmm14, %%zmm15, %%zmm" sum "\n\t"
    FT__BENCH_LOOP(FT__BENCH_STEP);
#undef FT__BENCH_STEP
}

__attribute__((target("avx512f"))) static void ft__bench_read_avx512(const uint8_t *bytes, size_t n) {
    FT__BENCH_READ(bytes, n);
}

#if defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11
#define FT__BENCH_VNNI256
static bool ft__bench_has_vnni256(void) {
    unsigned a, b, c, d;
    return ft__bench_has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

static void ft__bench_multiply_vnni256(long turns) {
#define FT__BENCH_STEP(sum) "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm" sum "\n\t"
    FT__BENCH_LOOP(FT__BENCH_STEP);
#undef FT__BENCH_STEP
}
#endif

#elif defined(__aarch64__)
#define FT__BENCH_LOOP(X)                                                                          \
    __asm__ volatile("1:\n\t" FT__BENCH_TWELVE(X) "subs %0, %0, #1\n\tb.ne 1b"                     \
                     : "+r"(turns) : : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", \
                     "v10", "v11", "v12", "cc")

static bool ft__bench_has_dotprod(void) {
#if defined(__linux__)
    return getauxval(AT_HWCAP) >> 20 & 1;
#else
    return true; /* every 64-bit ARM that runs macOS */
#endif
}

static void ft__bench_multiply_dotprod(long turns) {
    /* sdot v<sum>.4s, v30.16b, v31.16b, as a number: old assemblers want to be asked for it */
#define FT__BENCH_STEP(sum) ".inst 0x4e9f97c0 + " sum "\n\t"
    FT__BENCH_LOOP(FT__BENCH_STEP);
#undef FT__BENCH_STEP
}

static bool ft__bench_has_neon(void) { return true; }

static void ft__bench_multiply_neon(long turns) {
#define FT__BENCH_STEP(sum)                                                                        \
    "smull v12.8h, v30.8b, v31.8b\n\tsmlal2 v12.8h, v30.16b, v31.16b\n\t"                          \
    "sadalp v" sum ".4s, v12.8h\n\t"
    FT__BENCH_LOOP(FT__BENCH_STEP);
#undef FT__BENCH_STEP
}
#endif

static bool ft__bench_has_c(void) { return true; }

static void ft__bench_multiply_c(long turns) {
    unsigned a = 1, b = 2, c = 3, d = 4, factor = 5;
    for (; turns > 0; turns--) {
        __asm__ volatile("" : "+r"(factor));
        a = a * factor + 1, b = b * factor + 1, c = c * factor + 1, d = d * factor + 1;
    }
    __asm__ volatile("" : : "r"(a), "r"(b), "r"(c), "r"(d));
}

static void ft__bench_read_c(const uint8_t *bytes, size_t n) { FT__BENCH_READ(bytes, n); }

/* Best first. */
static const ft__bench_unit ft__bench_units[] = {
#if defined(__x86_64__)
    {"AVX-512 VNNI", 12 * 64, ft__bench_has_vnni512, ft__bench_multiply_vnni512, ft__bench_read_avx512},
#if defined(FT__BENCH_VNNI256)
    {"AVX-VNNI", 12 * 32, ft__bench_has_vnni256, ft__bench_multiply_vnni256, ft__bench_read_avx2},
#endif
    {"AVX2", 12 * 32, ft__bench_has_avx2, ft__bench_multiply_avx2, ft__bench_read_avx2},
#elif defined(__aarch64__)
    {"NEON dotprod", 12 * 16, ft__bench_has_dotprod, ft__bench_multiply_dotprod, ft__bench_read_c},
    {"NEON", 12 * 16, ft__bench_has_neon, ft__bench_multiply_neon, ft__bench_read_c},
#endif
    {"scalar", 4, ft__bench_has_c, ft__bench_multiply_c, ft__bench_read_c},
};

#undef FT__BENCH_READ
#undef FT__BENCH_TWELVE
#undef FT__BENCH_REGISTERS
#undef FT__BENCH_LOOP
#undef FT__BENCH_VNNI256

/* ---- the state of a run */

/* One line of the result. */
typedef struct ft__bench_row {
    int batch, n_prompt, n_steps;        /* n_steps 0: the prompt itself is timed */
    double speed, int8_share, read_share; /* medians; tokens per second */
} ft__bench_row;

typedef struct ft__bench {
    const char *path;
    ft_bench_desc desc; /* with all defaults */
    ft_allocator allocator;
    ft__arena arena;
    const ft__bench_unit *unit;
    ft__pool *pool;
    uint8_t *buffer;    /* (FT__BENCH_READ_BYTES) */
    ft_model *model;
    ft_session *session;
    double layer_macs, head_macs, weight_bytes; /* per token; the embedding's row is neither */
    int32_t *tokens;    /* random ids, enough for all prompts of a batch */
    int32_t *next;      /* (largest batch) */
    ft_feed *feeds;     /* (largest batch) */
    float *logits;      /* (largest batch, n_vocab) */
    double probe_seconds[2]; /* multiplying, reading: since the repetition began */
    int n_probes;
    double *int8_peaks, *read_peaks; /* one per repetition */
    size_t n_peaks;
    ft__bench_row rows[1 + FT__BENCH_MAX_BATCHES]; /* the prompt, then the batches */
    int n_rows;
    double load_seconds, peak_bytes, int8_peak, read_peak;
} ft__bench;

static int ft__bench_compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static double ft__bench_median(double *values, size_t n) {
    qsort(values, n, sizeof *values, ft__bench_compare);
    return n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

/* Seconds since `start`, never 0. */
static double ft__bench_since(double start) {
    double seconds = ft__seconds() - start;
    return seconds > 1e-9 ? seconds : 1e-9;
}

/* The most memory that the process has had at any time. */
static double ft__bench_peak_bytes(void) {
    struct rusage usage;
    memset(&usage, 0, sizeof usage);
    getrusage(RUSAGE_SELF, &usage);
#if defined(__APPLE__)
    return (double)usage.ru_maxrss;
#else
    return 1024.0 * (double)usage.ru_maxrss;
#endif
}

/* ---- the ceilings */

static void ft__bench_multiply_part(void *user, int part) {
    (void)part;
    ((const ft__bench *)user)->unit->multiply(FT__BENCH_MULTIPLY_TURNS);
}

static void ft__bench_read_part(void *user, int part) {
    const ft__bench *b = (const ft__bench *)user;
    b->unit->read(b->buffer + (size_t)part * FT__BENCH_READ_PART, FT__BENCH_READ_PART);
}

/* Real pages: untouched ones would all be one page of zeros. */
static void ft__bench_touch_part(void *user, int part) {
    const ft__bench *b = (const ft__bench *)user;
    memset(b->buffer + (size_t)part * FT__BENCH_READ_PART, 1 + part % 255, FT__BENCH_READ_PART);
}

static void ft__bench_wake_part(void *user, int part) { (void)user, (void)part; }

/* One look at both ceilings. */
static void ft__bench_probe(ft__bench *b) {
    ft__pool_run(b->pool, ft__bench_wake_part, b, b->desc.threads);
    double start = ft__seconds();
    ft__pool_run(b->pool, ft__bench_multiply_part, b, b->desc.threads);
    b->probe_seconds[0] += ft__bench_since(start);
    start = ft__seconds();
    ft__pool_run(b->pool, ft__bench_read_part, b, FT__BENCH_READ_BYTES / FT__BENCH_READ_PART);
    b->probe_seconds[1] += ft__bench_since(start);
    b->n_probes++;
}

static void ft__bench_probe_begin(ft__bench *b) {
    b->probe_seconds[0] = b->probe_seconds[1] = 0;
    b->n_probes = 0;
    ft__bench_probe(b);
}

/* Closes a repetition's looks at the ceilings and keeps what they were. */
static void ft__bench_probe_end(ft__bench *b, double *int8_peak, double *read_peak) {
    ft__bench_probe(b);
    double macs = (double)b->unit->macs * (double)FT__BENCH_MULTIPLY_TURNS * b->desc.threads;
    *int8_peak = b->int8_peaks[b->n_peaks] = macs * b->n_probes / b->probe_seconds[0];
    *read_peak = b->read_peaks[b->n_peaks++] =
        (double)FT__BENCH_READ_BYTES * b->n_probes / b->probe_seconds[1];
}

/* ---- speed */

static ft_feed ft__bench_feed(const ft__bench *b, int i, const int32_t *tokens, int n) {
    ft_feed feed = b->feeds[i];
    feed.tokens = tokens;
    feed.n_tokens = n;
    feed.last_logits = b->logits + (size_t)i * (size_t)b->model->info.n_vocab;
    return feed;
}

/* Greedy: the batch's logits become its next tokens. */
static void ft__bench_pick(ft__bench *b, int batch) {
    const int n_vocab = b->model->info.n_vocab;
    for (int i = 0; i < batch; i++)
        b->next[i] = ft_sample(b->logits + (size_t)i * (size_t)n_vocab, n_vocab, NULL, NULL, NULL);
}

static ft_status ft__bench_steps(ft__bench *b, int batch, int n_steps, double *seconds, ft_error *err) {
    ft_status status = FT_OK;
    int between = (n_steps + FT__BENCH_PROBES - 1) / FT__BENCH_PROBES;
    for (int i = 0; i < batch; i++) b->feeds[i] = ft__bench_feed(b, i, &b->next[i], 1);
    *seconds = 0;
    for (int step = 0; step < n_steps && !status; step++) {
        double start = ft__seconds();
        status = ft_session_decode(b->session, b->feeds, batch, err);
        if (!status) ft__bench_pick(b, batch);
        *seconds += ft__bench_since(start);
        if (step % between == between - 1) ft__bench_probe(b);
    }
    return status;
}

/* Fresh sequences, their prompts, then n_steps tokens each; *seconds of the steps, or of the prompts where
   there are no steps. */
static ft_status ft__bench_once(ft__bench *b, int batch, int n_prompt, int n_steps, double *seconds,
                                ft_error *err) {
    ft_status status = FT_OK;
    int n_open = 0;
    memset(b->feeds, 0, (size_t)batch * sizeof *b->feeds);
    while (n_open < batch && !status) {
        status = ft_session_open(b->session, 0, &b->feeds[n_open].sequence, err);
        if (!status) n_open++;
    }
    for (int i = 0; i < n_open; i++) /* no two prompts alike: nothing can be shared */
        b->feeds[i] = ft__bench_feed(b, i, b->tokens + (size_t)i * (size_t)n_prompt, n_prompt);
    double start = ft__seconds();
    if (!status) status = ft_session_decode(b->session, b->feeds, batch, err);
    *seconds = ft__bench_since(start);
    if (!status) ft__bench_pick(b, batch);
    if (!status && n_steps) status = ft__bench_steps(b, batch, n_steps, seconds, err);
    for (int i = 0; i < n_open; i++) ft_session_close(b->session, b->feeds[i].sequence);
    return status;
}

static ft_status ft__bench_measure(ft__bench *b, ft__bench_row *row, ft_error *err) {
    double speed[FT__BENCH_MAX_REPEATS], int8_share[FT__BENCH_MAX_REPEATS], read_share[FT__BENCH_MAX_REPEATS];
    double seconds, int8_peak, read_peak, macs = b->layer_macs + (row->n_steps ? b->head_macs : 0);
    int warm = row->n_steps < FT__BENCH_WARM_STEPS ? row->n_steps : FT__BENCH_WARM_STEPS;
    double start = ft__seconds();
    size_t n = 0;
    ft_status status = ft__bench_once(b, row->batch, row->n_prompt, warm, &seconds, err);
    while (!status && (int)n < b->desc.repeats &&
           (n == 0 || ft__bench_since(start) < (double)FT__BENCH_PATIENCE)) {
        ft__bench_probe_begin(b);
        status = ft__bench_once(b, row->batch, row->n_prompt, row->n_steps, &seconds, err);
        ft__bench_probe_end(b, &int8_peak, &read_peak);
        speed[n] = (double)row->batch * (row->n_steps ? row->n_steps : row->n_prompt) / seconds;
        int8_share[n] = speed[n] * macs / int8_peak;
        read_share[n] = speed[n] / row->batch * b->weight_bytes / read_peak;
        n++;
    }
    if (status) return status;
    row->speed = ft__bench_median(speed, n);
    row->int8_share = ft__bench_median(int8_share, n);
    row->read_share = ft__bench_median(read_share, n);
    return FT_OK;
}

/* ---- preparation */

static ft_status ft__bench_range(const char *field, int found, int lowest, int highest, ft_error *err) {
    if (found >= lowest && found <= highest) return FT_OK;
    return ft__fail(err, FT_ERR_ARGUMENT, field, "found %d, expected %d to %d", found, lowest, highest);
}

static ft_status ft__bench_defaults(ft__bench *b, const ft_bench_desc *given, ft_error *err) {
    static const int batches[] = {1, 8, 32};
    ft_bench_desc *d = &b->desc;
    if (given) *d = *given;
    if (!d->n_prompt) d->n_prompt = 512;
    if (!d->n_decode) d->n_decode = 128;
    if (!d->n_batches) d->batches = batches, d->n_batches = (int)FT__COUNT(batches);
    if (!d->threads) d->threads = ft__cpu_count();
    if (!d->repeats) d->repeats = 3;
    ft_status status = ft__bench_range("n_prompt", d->n_prompt, 1, 1 << 20, err);
    if (!status) status = ft__bench_range("n_decode", d->n_decode, 1, 1 << 20, err);
    if (!status) status = ft__bench_range("n_batches", d->n_batches, 1, FT__BENCH_MAX_BATCHES, err);
    if (!status) status = ft__bench_range("repeats", d->repeats, 1, FT__BENCH_MAX_REPEATS, err);
    for (int i = 0; i < d->n_batches && !status; i++)
        status = ft__bench_range("batch", d->batches[i], 1, 4096, err);
    for (int i = 0; i <= d->n_batches && !status; i++) {
        ft__bench_row *row = &b->rows[b->n_rows++];
        row->batch = i ? d->batches[i - 1] : 1;
        row->n_steps = i ? d->n_decode : 0;
        row->n_prompt = d->n_prompt;
        if (row->batch > 1 && row->n_prompt > FT__BENCH_BATCH_PROMPT) row->n_prompt = FT__BENCH_BATCH_PROMPT;
    }
    return status;
}

/* The threads, and the buffer.  It is there from first to last, so that its size can be taken off the
   peak of memory again. */
static ft_status ft__bench_machine(ft__bench *b, ft_error *err) {
    b->unit = ft__bench_units;
    while (!b->unit->present()) b->unit++;
    b->pool = ft__pool_create(b->desc.threads, &b->allocator, err);
    if (!b->pool) return err->code;
    b->buffer = (uint8_t *)ft__alloc_aligned(&b->allocator, FT__BENCH_READ_BYTES, 1);
    if (!b->buffer) return ft__fail_memory(err);
    ft__pool_run(b->pool, ft__bench_touch_part, b, FT__BENCH_READ_BYTES / FT__BENCH_READ_PART);
    return FT_OK;
}

/* Brings the file into the system's cache.  What is wrong with it, loading will say. */
static void ft__bench_warm_file(const ft__bench *b) {
    FILE *file = fopen(b->path, "rb");
    while (file && fread(b->buffer, 1, FT__BENCH_READ_PART, file) == FT__BENCH_READ_PART) {}
    if (file) fclose(file);
}

/* From the file to the first token's logits. */
static ft_status ft__bench_load(ft__bench *b, ft_error *err) {
    ft_model_desc model_desc;
    ft_session_desc desc;
    int32_t token = 0;
    ft_feed feed;
    memset(&model_desc, 0, sizeof model_desc);
    memset(&desc, 0, sizeof desc);
    memset(&feed, 0, sizeof feed);
    model_desc.allocator = b->allocator;
    desc.threads = b->desc.threads;
    desc.n_ctx = b->desc.n_prompt + b->desc.n_decode;
    ft__bench_warm_file(b);
    double start = ft__seconds();
    b->model = ft_model_load(b->path, &model_desc, err);
    b->session = b->model ? ft_session_create(b->model, &desc, err) : NULL;
    if (!b->session) return err->code;
    feed.tokens = &token;
    feed.n_tokens = 1;
    feed.last_logits = (float *)ft__arena_alloc(&b->arena, (size_t)b->model->info.n_vocab, sizeof(float));
    if (!feed.last_logits) return ft__fail_memory(err);
    ft_status status = ft_session_open(b->session, 0, &feed.sequence, err);
    if (!status) status = ft_session_decode(b->session, &feed, 1, err);
    b->load_seconds = ft__bench_since(start);
    if (!status) ft_session_close(b->session, feed.sequence);
    return status;
}

static void ft__bench_count(ft__bench *b, const ft__matrix *w, double part, double *macs) {
    if (!w->format) return;
    double weights = part * w->n_rows * w->n_cols;
    *macs += weights;
    b->weight_bytes += weights / w->format->n_elements * w->format->n_bytes;
}

/* What one token costs: all matrices, but of the experts only those that it uses. */
static void ft__bench_cost(ft__bench *b) {
    const ft_model *m = b->model;
    double used = m->info.n_experts ? (double)m->info.n_experts_used / m->info.n_experts : 0;
    for (int layer = 0; layer < m->info.n_layers; layer++) {
        const ft__layer *at = &m->layers[layer];
        for (int i = 0; i < FT__LAYER_MODULES; i++) ft__bench_count(b, &at->module[i].w, 1, &b->layer_macs);
        ft__bench_count(b, &at->router.w, 1, &b->layer_macs);
        for (int i = 0; i < 3; i++) ft__bench_count(b, &at->expert[i].w, used, &b->layer_macs);
    }
    ft__bench_count(b, &m->output.w, 1, &b->head_macs);
}

static ft_status ft__bench_room(ft__bench *b, ft_error *err) {
    const size_t n_vocab = (size_t)b->model->info.n_vocab;
    const size_t n_peaks = (size_t)b->n_rows * (size_t)b->desc.repeats;
    size_t n_tokens = 0, batch = 1;
    for (int i = 0; i < b->n_rows; i++) {
        size_t n = (size_t)b->rows[i].batch * (size_t)b->rows[i].n_prompt;
        if (n > n_tokens) n_tokens = n;
        if ((size_t)b->rows[i].batch > batch) batch = (size_t)b->rows[i].batch;
    }
    b->tokens = (int32_t *)ft__arena_alloc(&b->arena, n_tokens, sizeof *b->tokens);
    b->next = (int32_t *)ft__arena_alloc(&b->arena, batch, sizeof *b->next);
    b->feeds = (ft_feed *)ft__arena_alloc(&b->arena, batch, sizeof *b->feeds);
    b->logits = (float *)ft__arena_alloc(&b->arena, batch, n_vocab * sizeof *b->logits);
    b->int8_peaks = (double *)ft__arena_alloc(&b->arena, n_peaks, sizeof *b->int8_peaks);
    b->read_peaks = (double *)ft__arena_alloc(&b->arena, n_peaks, sizeof *b->read_peaks);
    if (b->arena.failed) return ft__fail_memory(err);
    for (size_t i = 0; i < n_tokens; i++)
        b->tokens[i] = (int32_t)(ft__random_unit(1, i, 0, 0) * (double)n_vocab);
    return FT_OK;
}

static ft_status ft__bench_all(ft__bench *b, ft_error *err) {
    double before = ft__bench_peak_bytes();
    ft_status status = ft__bench_machine(b, err);
    if (!status) status = ft__bench_load(b, err);
    if (!status) status = ft__bench_room(b, err);
    if (status) return status;
    ft__bench_cost(b);
    for (int i = 0; i < b->n_rows && !status; i++) status = ft__bench_measure(b, &b->rows[i], err);
    if (status) return status;
    b->int8_peak = ft__bench_median(b->int8_peaks, b->n_peaks);
    b->read_peak = ft__bench_median(b->read_peaks, b->n_peaks);
    b->peak_bytes = ft__bench_peak_bytes() - (double)FT__BENCH_READ_BYTES;
    if (b->peak_bytes < before) b->peak_bytes = before;
    return FT_OK;
}

/* ---- the result */

static void ft__bench_number(ft__json_writer *w, const char *key, double value) {
    ft__json_key(w, key);
    ft__json_number(w, value);
}

static void ft__bench_row_json(const ft__bench_row *row, ft__json_writer *w) {
    ft__json_begin(w, '{');
    if (row->n_steps) ft__bench_number(w, "batch", row->batch);
    else ft__bench_number(w, "n", row->n_prompt);
    ft__bench_number(w, "tokens_per_s", row->speed);
    ft__bench_number(w, "share_of_int8", row->int8_share);
    if (row->n_steps) ft__bench_number(w, "share_of_read", row->read_share);
    ft__json_end(w, '}');
}

static void ft__bench_json(const ft__bench *b, ft__buf *out) {
    ft__json_writer w;
    ft__json_writer_init(&w, out, 2);
    ft__json_begin(&w, '{');
    ft__json_key(&w, "prompt");
    ft__bench_row_json(&b->rows[0], &w);
    ft__json_key(&w, "decode");
    ft__json_begin(&w, '[');
    for (int i = 1; i < b->n_rows; i++) ft__bench_row_json(&b->rows[i], &w);
    ft__json_end(&w, ']');
    ft__bench_number(&w, "load_s", b->load_seconds);
    ft__bench_number(&w, "peak_rss_bytes", b->peak_bytes);
    ft__json_key(&w, "ceilings");
    ft__json_begin(&w, '{');
    ft__bench_number(&w, "int8_mac_per_s", b->int8_peak);
    ft__bench_number(&w, "read_bytes_per_s", b->read_peak);
    ft__json_end(&w, '}');
    ft__json_key(&w, "isa");
    ft__json_text(&w, ft__isa_name(b->model->kernels.isa));
    ft__bench_number(&w, "threads", b->desc.threads);
    ft__bench_number(&w, "weight_bytes_per_token", b->weight_bytes);
    ft__bench_number(&w, "mac_per_token", b->layer_macs + b->head_macs);
    ft__json_end(&w, '}');
    ft__buf_byte(out, '\n');
}

/* A number to the right of its column, then what it counts. */
static void ft__bench_column(ft__buf *out, double value, int decimals, int width, const char *unit) {
    size_t start = out->len;
    char digits[64] = "";
    ft__buf_fixed(out, value, decimals);
    if (out->failed) return;
    snprintf(digits, sizeof digits, "%s", out->data + start);
    out->len = start;
    ft__buf_printf(out, "%*s%s", width, digits, unit);
}

static void ft__bench_table(const ft__bench *b, ft__buf *out) {
    char label[32];
    ft__buf_printf(out, "%s, %s, threads: %d\n\n", b->path, ft__isa_name(b->model->kernels.isa),
                   b->desc.threads);
    ft__buf_printf(out, "%-22s%12s%14s%14s\n", "", "tokens/s", "of int8 peak", "of read peak");
    for (int i = 0; i < b->n_rows; i++) {
        const ft__bench_row *row = &b->rows[i];
        if (!row->n_steps) snprintf(label, sizeof label, "prompt of %d", row->n_prompt);
        else snprintf(label, sizeof label, "decode, batch %d", row->batch);
        ft__buf_printf(out, "%-22s", label);
        ft__bench_column(out, row->speed, 1, 12, "");
        ft__bench_column(out, 100 * row->int8_share, 1, 12, " %");
        if (row->n_steps) ft__bench_column(out, 100 * row->read_share, 1, 12, " %");
        ft__buf_byte(out, '\n');
    }
    ft__buf_printf(out, "\n%-22s", "load to first token");
    ft__bench_column(out, b->load_seconds, 3, 12, " s\n");
    ft__buf_printf(out, "%-22s", "peak memory");
    ft__bench_column(out, b->peak_bytes / 1e6, 0, 12, " MB\n");
    ft__buf_printf(out, "%-22s", "weights per token");
    ft__bench_column(out, b->weight_bytes / 1e6, 0, 12, " MB, ");
    ft__bench_column(out, (b->layer_macs + b->head_macs) / 1e6, 0, 0, " M products\n");
    ft__buf_printf(out, "%-22s", "int8 peak");
    ft__bench_column(out, b->int8_peak / 1e9, 1, 12, " G products/s, ");
    ft__buf_printf(out, "%s\n%-22s", b->unit->name, "read peak");
    ft__bench_column(out, b->read_peak / 1e9, 1, 12, " GB/s\n");
}

static ft_status ft__bench_write(const ft__bench *b, bool json, ft_write_fn write, void *user,
                                 ft_error *err) {
    ft__buf out;
    ft_status status = FT_OK;
    ft__buf_init(&out, &b->allocator);
    if (json) ft__bench_json(b, &out);
    else ft__bench_table(b, &out);
    status = ft__buf_write(&out, write, user, b->path, err);
    ft__buf_free(&out);
    return status;
}

ft_status ft_bench(const char *path, const ft_bench_desc *desc, bool json, ft_write_fn write, void *user,
                   ft_error *err) {
    ft_error mine;
    ft__bench b;
    memset(&b, 0, sizeof b);
    b.path = path;
    b.allocator = ft__allocator(desc ? &desc->allocator : NULL);
    if (!err) err = &mine;
    ft__arena_init(&b.arena, &b.allocator);
    ft_status status = ft__bench_defaults(&b, desc, err);
    if (!status) status = ft__bench_all(&b, err);
    if (!status) status = ft__bench_write(&b, json, write, user, err);
    ft_session_free(b.session);
    ft_model_free(b.model);
    ft__pool_free(b.pool);
    ft__free_aligned(&b.allocator, b.buffer);
    ft__arena_free(&b.arena);
    return status;
}
