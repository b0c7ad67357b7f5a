/* The kernels: every twin against the reference bit for bit, the reference against double precision. */
#include "test.h"
#include "../src/num/num.h"

/* ---- random inputs */

static uint64_t random_state;

static uint64_t next_random(void) { /* splitmix64 */
    uint64_t z = random_state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static int next_below(int n) { return (int)(next_random() % (uint64_t)n); }

/* In -1..1, now and then a zero or much smaller or larger. */
static float next_float(void) {
    static const float sizes[8] = {1, 1, 1, 1, 1, 1e-3f, 16, 0};
    float f = (float)(int64_t)(next_random() >> 40) * (1.0f / 8388608.0f) - 1;
    return f * sizes[next_below(8)];
}

static double absolute(double x) { return x < 0 ? -x : x; }

/* The fast tables that this machine can run; the reference is not among them. */
static int twins(ft__kernels *out) {
    ft__isa isa;
    setenv("FT_ISA", "avx2", 1);
    bool present = ft__isa_choose(&isa, NULL) == FT_OK;
    unsetenv("FT_ISA");
    if (!present) return 0;
    ft__kernels_scalar(out);
    ft__kernels_avx2(out);
    return 1;
}

#define REFERENCE(k)                                                                           \
    ft__kernels k;                                                                             \
    memset(&k, 0, sizeof k);                                                                   \
    ft__kernels_scalar(&k)

#define TWIN(k)                                                                                \
    ft__kernels k;                                                                             \
    memset(&k, 0, sizeof k);                                                                   \
    if (!twins(&k)) SKIP("this machine has no AVX2")

/* Equal bits; NaNs may differ in sign and payload, since all of them are reported as one error. */
static size_t n_different(const float *a, const float *b, size_t n) {
    size_t different = 0;
    for (size_t i = 0; i < n; i++)
        if (ft__bits_of(a[i]) != ft__bits_of(b[i]) && !(a[i] != a[i] && b[i] != b[i])) different++;
    return different;
}

/* ---- a matrix and activations of random values */

enum { MAX_ROWS = 40, MAX_TOKENS = 9, MAX_COLS = 2048 };

static uint8_t weights[MAX_ROWS * MAX_COLS * 4 + 64];
static float decoded[MAX_ROWS * MAX_COLS];
static float x[MAX_TOKENS * MAX_COLS];
static int8_t q[MAX_TOKENS * MAX_COLS];
static float scales[MAX_TOKENS * MAX_COLS / 32];
static float out_a[MAX_TOKENS * (MAX_ROWS + 8)], out_b[MAX_TOKENS * (MAX_ROWS + 8)];

/* Blocks of random bits, but for scales that are numbers of a common size. */
static void fill_weights(uint32_t type, size_t n) {
    const ft__format *format = ft__format_find(type);
    size_t n_blocks = n / format->n_elements;
    for (size_t b = 0; b < n_blocks; b++) {
        uint8_t *block = weights + b * format->n_bytes;
        uint16_t half = ft__f32_to_f16(next_float() * 0.02f);
        float value = next_float();
        for (size_t i = 0; i < format->n_bytes; i++) block[i] = (uint8_t)next_random();
        switch (type) {
        case FT__FORMAT_F32: memcpy(block, &value, 4); break;
        case FT__FORMAT_F16: half = ft__f32_to_f16(value); memcpy(block, &half, 2); break;
        case FT__FORMAT_BF16: half = ft__f32_to_bf16(value); memcpy(block, &half, 2); break;
        case FT__FORMAT_Q6_K: memcpy(block + 208, &half, 2); break;
        default: memcpy(block, &half, 2); break;
        }
    }
    format->decode(weights, n, decoded);
}

static ft__acts fill_acts(const ft__kernels *k, int n_tokens, int n_cols) {
    size_t n = (size_t)n_tokens * (size_t)n_cols;
    for (size_t i = 0; i < n; i++) x[i] = next_float();
    ft__acts a = {n_tokens, n_cols, x, NULL, NULL};
    if (n_cols % 32 == 0) {
        k->quantize(x, (int)n, q, scales);
        a.q = q, a.scale = scales;
    }
    return a;
}

static size_t row_bytes_of(uint32_t type, int n_cols) {
    const ft__format *format = ft__format_find(type);
    return (size_t)n_cols / format->n_elements * format->n_bytes;
}

/* Sum of products with what the weights decode to and what the activations became, in double. */
static double exact_dot(bool blocks, int row, int token, int n_cols, double *size) {
    double sum = 0;
    *size = 0;
    for (int i = 0; i < n_cols; i++) {
        size_t at = (size_t)token * (size_t)n_cols + (size_t)i;
        double a = blocks ? (double)q[at] * (double)scales[at / 32] : (double)x[at];
        double product = (double)decoded[(size_t)row * (size_t)n_cols + (size_t)i] * a;
        sum += product;
        *size += absolute(product);
    }
    return sum;
}

/* Largest distance from double precision, in units of 2^-24 of the products' sizes. */
static double worst_error(bool blocks, int n_rows, int n_tokens, int n_cols, size_t ld) {
    double worst = 0;
    for (int r = 0; r < n_rows; r++) {
        for (int t = 0; t < n_tokens; t++) {
            double size, sum = exact_dot(blocks, r, t, n_cols, &size);
            double off = absolute((double)out_a[(size_t)t * ld + (size_t)r] - sum) * 16777216;
            if (size > 0 && off / size > worst) worst = off / size;
        }
    }
    return worst;
}

static const uint32_t float_types[] = {FT__FORMAT_F32, FT__FORMAT_F16, FT__FORMAT_BF16};
static const uint32_t block_types[] = {FT__FORMAT_Q8_0, FT__FORMAT_Q4_0, FT__FORMAT_Q6_K};
static const int block_cols[] = {32, 64, 96, 256, 480, 512, 544, 768, 1024, 1056, 1280, 2048};

typedef struct shape { int rows, tokens; } shape;
static const shape shapes[] = {{1, 1},  {2, 3},  {7, 4},  {8, 5},  {9, 9},  {13, 2}, {16, 8},
                               {17, 1}, {23, 6}, {24, 4}, {31, 7}, {33, 3}, {40, 9}, {39, 5}};

/* One shape of one type, every kernel; the strip of `out` beside the rows must stay as it was. */
static void compare_rows(const ft__kernels *ref, const ft__kernels *twin, uint32_t type, int n_cols,
                         shape s) {
    const size_t ld = MAX_ROWS + 8, n_out = sizeof out_a / sizeof *out_a;
    size_t row_bytes = row_bytes_of(type, n_cols);
    fill_weights(type, (size_t)s.rows * (size_t)n_cols);
    ft__acts a = fill_acts(ref, s.tokens, n_cols);
    for (size_t i = 0; i < n_out; i++) out_a[i] = out_b[i] = -77;
    ref->rows[type](weights, row_bytes, s.rows, &a, out_a, ld);
    twin->rows[type](weights, row_bytes, s.rows, &a, out_b, ld);
    if (!CHECK_INT(n_different(out_a, out_b, n_out), 0))
        test_note("type %u, %d rows, %d columns, %d tokens", type, s.rows, n_cols, s.tokens);
    for (size_t t = 0; t < MAX_TOKENS; t++)
        for (size_t r = 0; r < ld; r++)
            if (r >= (size_t)s.rows || t >= (size_t)s.tokens)
                if (!CHECK(out_b[t * ld + r] == -77)) return;
}

TEST(kernels, block_rows_equal_the_reference) {
    REFERENCE(ref);
    TWIN(twin);
    random_state = 1;
    for (size_t i = 0; i < FT__COUNT(block_types); i++)
        for (size_t c = 0; c < FT__COUNT(block_cols); c++)
            for (size_t s = 0; s < FT__COUNT(shapes); s++)
                if (block_types[i] != FT__FORMAT_Q6_K || block_cols[c] % 256 == 0)
                    compare_rows(&ref, &twin, block_types[i], block_cols[c], shapes[s]);
}

TEST(kernels, float_rows_equal_the_reference) {
    REFERENCE(ref);
    TWIN(twin);
    random_state = 2;
    for (size_t i = 0; i < FT__COUNT(float_types); i++) {
        for (int n_cols = 1; n_cols <= 200; n_cols++)
            compare_rows(&ref, &twin, float_types[i], n_cols, shapes[n_cols % (int)FT__COUNT(shapes)]);
        for (size_t s = 0; s < FT__COUNT(shapes); s++)
            compare_rows(&ref, &twin, float_types[i], 300, shapes[s]);
    }
}

TEST(kernels, rows_are_near_double_precision) {
    REFERENCE(ref);
    const size_t ld = MAX_ROWS;
    random_state = 3;
    for (size_t i = 0; i < 6; i++) {
        bool blocks = i >= 3;
        uint32_t type = blocks ? block_types[i - 3] : float_types[i];
        double worst = 0;
        for (int round = 0; round < 12; round++) {
            int n_cols = blocks ? 256 * (1 + round % 5) : 1 + next_below(700), n_rows = 20;
            fill_weights(type, (size_t)n_rows * (size_t)n_cols);
            ft__acts a = fill_acts(&ref, 3, n_cols);
            ref.rows[type](weights, row_bytes_of(type, n_cols), n_rows, &a, out_a, ld);
            double error = worst_error(blocks, n_rows, 3, n_cols, ld);
            if (error > worst) worst = error;
        }
        test_note("%-4s largest error %.1f * 2^-24 of the products' sizes", ft__format_find(type)->name,
                  worst);
        CHECK(worst < 20); /* 64 partials of 11 and a tree; 16 blocks and the chunks */
    }
}

/* A chunk's sum is added as a whole: the order of additions is a part of the promise. */
TEST(kernels, blocks_are_added_in_chunks_of_512) {
    REFERENCE(ref);
    int8_t ones[1056];
    float scale[33], sum[2], got;
    random_state = 4;
    memset(ones, 1, sizeof ones);
    for (int b = 0; b < 33; b++) {
        uint16_t half = ft__f32_to_f16(1.0f);
        memcpy(weights + b * 34, &half, 2);
        memset(weights + b * 34 + 2, 1, 32);
        scale[b] = b == 0 ? 1048576.0f : 0.001f * (float)(b + 1);
    }
    ft__acts a = {1, 1056, NULL, ones, scale};
    ref.rows[FT__FORMAT_Q8_0](weights, 33 * 34, 1, &a, &got, 1);
    sum[0] = sum[1] = 0;
    for (int b = 0; b < 33; b++) {
        sum[0] = sum[0] + scale[b] * 32.0f;
        if (b % 16 == 15 || b == 32) sum[1] = sum[1] + sum[0], sum[0] = 0;
    }
    CHECK_INT(ft__bits_of(got), ft__bits_of(sum[1]));
    sum[0] = 0;
    for (int b = 0; b < 33; b++) sum[0] = sum[0] + scale[b] * 32.0f;
    CHECK(got != sum[0]); /* these numbers tell the orders apart */
}

/* The largest codes on both sides: 16-bit sums of products would overflow first here. */
TEST(kernels, extreme_codes_do_not_saturate) {
    REFERENCE(ref);
    ft__kernels twin;
    memset(&twin, 0, sizeof twin);
    bool has_twin = twins(&twin) > 0;
    static const int signs[2] = {1, -1};
    for (size_t i = 0; i < FT__COUNT(block_types); i++) {
        uint32_t type = block_types[i];
        uint16_t one = ft__f32_to_f16(1.0f);
        const int n_cols = 512, n_rows = 9;
        size_t row_bytes = row_bytes_of(type, n_cols), size = row_bytes * (size_t)n_rows;
        for (int pattern = 0; pattern < 4; pattern++) {
            for (size_t at = 0; at < size; at++) weights[at] = (uint8_t)(pattern & 1 ? 0x00 : 0xFF);
            if (type == FT__FORMAT_Q8_0)
                for (size_t at = 0; at < size; at++) weights[at] = (uint8_t)(pattern & 1 ? 0x80 : 0x7F);
            for (size_t at = 0; at < size; at += ft__format_find(type)->n_bytes) {
                memcpy(weights + at + (type == FT__FORMAT_Q6_K ? 208 : 0), &one, 2);
                if (type == FT__FORMAT_Q6_K) memset(weights + at + 192, 0x80, 16); /* scales of -128 */
            }
            ft__format_find(type)->decode(weights, (size_t)n_rows * (size_t)n_cols, decoded);
            for (int at = 0; at < n_cols; at++) q[at] = (int8_t)(127 * signs[pattern >> 1]);
            for (int at = 0; at < n_cols / 32; at++) scales[at] = 1;
            ft__acts a = {1, n_cols, NULL, q, scales};
            ref.rows[type](weights, row_bytes, n_rows, &a, out_a, MAX_ROWS);
            double size_of, expected = exact_dot(true, 0, 0, n_cols, &size_of);
            CHECK(expected != 0);
            for (int r = 0; r < n_rows; r++) CHECK_NEAR(out_a[r], expected, 0);
            if (!has_twin) continue;
            twin.rows[type](weights, row_bytes, n_rows, &a, out_b, MAX_ROWS);
            CHECK_INT(n_different(out_a, out_b, (size_t)n_rows), 0);
        }
    }
}

/* ---- activations to int8 */

static void check_quantize(const ft__kernels *k) {
    float in[32 * 10], scale[10];
    int8_t codes[32 * 10];
    const float nan = ft__float_of(0x7FC00000u), infinity = ft__float_of(0x7F800000u);
    memset(in, 0, sizeof in);
    for (int i = 0; i < 32; i++) in[i] = (float)i - 15.5f; /* 0: halves */
    in[0] = -127; /* or its neighbour whose own reciprocal makes the factor 1 */
    while (127.0f * ft__recipf(-in[0]) < 1) in[0] = ft__float_of(ft__bits_of(in[0]) - 1);
    CHECK(127.0f * ft__recipf(-in[0]) == 1);
    for (int i = 0; i < 32; i++) in[64 + i] = ft__float_of(0x007FFFFFu); /* 2: subnormal */
    in[96] = ft__float_of(0x0D7FFFFFu);                                   /* 3: just below 2^-100 */
    in[128] = ft__float_of(0x0D800000u);                                  /* 4: 2^-100 */
    in[160 + 7] = -infinity;                                              /* 5 */
    in[192 + 31] = nan;                                                   /* 6 */
    in[224] = ft__float_of(0x7E800000u);                                  /* 7: 2^126 */
    in[256] = ft__float_of(0x7E7FFFFFu), in[257] = -in[256];              /* 8: just below */
    in[288] = 1, in[289] = -0.0f, in[290] = 1e-30f;                       /* 9 */
    memset(codes, 55, sizeof codes);
    k->quantize(in, 320, codes, scale);
    CHECK_NEAR(scale[0], 1, 1e-6);
    CHECK_INT(codes[0], -127);
    for (int i = 1; i < 32; i++) { /* -14.5 -> -14, -13.5 -> -14, ... half to even */
        int floor = i - 16, even = floor % 2 ? floor + 1 : floor;
        CHECK_INT(codes[i], even);
    }
    for (int b = 1; b < 4; b++) CHECK(ft__bits_of(scale[b]) == 0);
    CHECK(scale[4] > 0);
    CHECK_INT(codes[128], 127);
    for (int b = 5; b < 8; b++) CHECK(scale[b] != scale[b]);
    for (int b = 1; b < 8; b++)
        for (int i = 0; i < 32; i++)
            if (b != 4 || i) CHECK_INT(codes[32 * b + i], 0);
    CHECK(ft__finite((double)scale[8]) && scale[8] > 0);
    CHECK(codes[256] == 127 && codes[257] == -127);
    CHECK(codes[288] == 127 && codes[289] == 0 && codes[290] == 0);
}

TEST(kernels, quantize_reference) {
    REFERENCE(ref);
    check_quantize(&ref);
}

TEST(kernels, quantize_twin) {
    TWIN(twin);
    check_quantize(&twin);
}

/* Every code is a nearest one: |x - code * scale| is at most half a step and a little. */
TEST(kernels, quantize_is_near) {
    REFERENCE(ref);
    random_state = 5;
    for (int round = 0; round < 50; round++) {
        float amplitude = ft__float_of((uint32_t)(30 + 4 * round) << 23);
        for (int i = 0; i < 320; i++) x[i] = next_float() * amplitude;
        ref.quantize(x, 320, q, scales);
        for (int i = 0; i < 320; i++) {
            double step = (double)scales[i / 32];
            CHECK(absolute((double)x[i] - (double)q[i] * step) <= 0.50002 * step);
            CHECK(q[i] > -128);
        }
    }
}

TEST(kernels, quantize_equals_the_reference) {
    REFERENCE(ref);
    TWIN(twin);
    static int8_t codes[2][1024];
    static float scale[2][32];
    random_state = 6;
    for (int round = 0; round < 400; round++) {
        for (int i = 0; i < 1024; i++) {
            uint32_t bits = (uint32_t)next_random();
            x[i] = round % 4 == 0 ? ft__float_of(bits) : next_float(); /* any bits: NaNs, infinities, ... */
            if (round % 4 == 1) x[i] = x[i] * 1e-37f;
            if (round % 4 == 2) x[i] = (float)((int)(bits % 511) - 255) * 0.5f; /* many halves */
        }
        if (round % 4 == 2)
            for (int b = 0; b < 32; b++) x[32 * b] = 127;
        int n = 32 * (1 + next_below(32));
        memset(codes, 3, sizeof codes);
        ref.quantize(x, n, codes[0], scale[0]);
        twin.quantize(x, n, codes[1], scale[1]);
        CHECK(memcmp(codes[0], codes[1], sizeof codes[0]) == 0);
        if (!CHECK_INT(n_different(scale[0], scale[1], (size_t)(n / 32)), 0)) return;
    }
}

/* ---- sums of squares and norms */

TEST(kernels, sum_squares) {
    REFERENCE(ref);
    ft__kernels twin = ref;
    bool has_twin = twins(&twin) > 0;
    random_state = 7;
    for (int n = 1; n <= 400; n++) {
        double sum = 0;
        for (int i = 0; i < n; i++) x[i] = next_float(), sum += (double)x[i] * (double)x[i];
        float got = ref.sum_squares(x, n), other = twin.sum_squares(x, n);
        CHECK_NEAR(got, sum, 20 * sum / 16777216);
        CHECK_INT(ft__bits_of(got), ft__bits_of(other));
    }
    if (!has_twin) test_note("no AVX2 here");
}

/* The order of additions itself: 64 partial sums, then halves. */
TEST(kernels, float_sums_keep_their_order) {
    REFERENCE(ref);
    random_state = 8;
    for (int n = 1; n < 300; n += 7) {
        float p[64] = {0}, got, w[300];
        for (int i = 0; i < n; i++) w[i] = next_float(), x[i] = next_float();
        for (int i = 0; i < n; i++) {
            volatile float product = w[i] * x[i];
            p[i % 64] = p[i % 64] + product;
        }
        for (int half = 32; half; half /= 2)
            for (int i = 0; i < half; i++) p[i] = p[i] + p[i + half];
        ft__acts a = {1, n, x, NULL, NULL};
        ref.rows[FT__FORMAT_F32]((const uint8_t *)w, 0, 1, &a, &got, 1);
        CHECK_INT(ft__bits_of(got), ft__bits_of(p[0]));
    }
}

TEST(kernels, rms_norm) {
    REFERENCE(ref);
    static float weight[300], out[300];
    random_state = 9;
    for (int n = 1; n <= 300; n += 13) {
        double sum = 0;
        for (int i = 0; i < n; i++) {
            x[i] = next_float(), weight[i] = next_float();
            sum += (double)x[i] * (double)x[i];
        }
        double factor = 1 / ft__sqrt(sum / n + 1e-5);
        ft__rms_norm(&ref, x, weight, 1e-5f, n, out);
        for (int i = 0; i < n; i++) {
            double expected = (double)x[i] * factor * (double)weight[i];
            CHECK_NEAR(out[i], expected, 4e-6 * absolute(expected));
        }
        ft__rms_norm(&ref, x, NULL, 1e-5f, n, out);
        for (int i = 0; i < n; i++)
            CHECK_NEAR(out[i], (double)x[i] * factor, 4e-6 * absolute((double)x[i] * factor));
    }
}

/* ---- attention */

static const int head_dims[] = {2, 6, 8, 16, 20, 32, 36, 64, 80, 128};
enum { MAX_HEAD = 128 };
static float tile_f32[64 * MAX_HEAD];
static uint16_t tile_f16[64 * MAX_HEAD];

/* The same values in both types. */
static void fill_tile(int n) {
    for (int i = 0; i < n; i++) {
        tile_f16[i] = ft__f32_to_f16(next_float());
        tile_f32[i] = ft__f16_to_f32(tile_f16[i]);
    }
}

TEST(kernels, scores) {
    REFERENCE(ref);
    ft__kernels twin = ref;
    twins(&twin);
    random_state = 10;
    for (size_t h = 0; h < FT__COUNT(head_dims); h++) {
        const int n = head_dims[h];
        float query[MAX_HEAD], s[4][64];
        fill_tile(64 * n);
        for (int d = 0; d < n; d++) query[d] = next_float();
        ref.scores_f32(query, tile_f32, n, 0.37f, s[0]);
        ref.scores_f16(query, tile_f16, n, 0.37f, s[1]);
        twin.scores_f32(query, tile_f32, n, 0.37f, s[2]);
        twin.scores_f16(query, tile_f16, n, 0.37f, s[3]);
        for (int i = 1; i < 4; i++) CHECK_INT(n_different(s[0], s[i], 64), 0);
        for (int j = 0; j < 64; j++) {
            double sum = 0, size = 0;
            for (int d = 0; d < n; d++) {
                double product = (double)query[d] * (double)tile_f32[d * 64 + j];
                sum += product, size += absolute(product);
            }
            CHECK_NEAR(s[0][j], sum * (double)0.37f, size * n / 16777216);
        }
    }
}

static double exact_softmax(const float *in, int lo, int hi, float max, double out[64]) {
    double sum = 0;
    for (int j = 0; j < 64; j++) {
        out[j] = j >= lo && j < hi && in[j] - max >= -87 ? ft__exp((double)in[j] - (double)max) : 0;
        sum += out[j];
    }
    return sum;
}

TEST(kernels, softmax) {
    REFERENCE(ref);
    ft__kernels twin = ref;
    twins(&twin);
    random_state = 11;
    for (int round = 0; round < 2000; round++) {
        float s[64], a[64], b[64], max = -3e38f;
        double p[64];
        int lo = round % 3 ? 0 : next_below(64), hi = lo + next_below(65 - lo);
        for (int j = 0; j < 64; j++) {
            s[j] = next_float() * (round % 7 ? 6.0f : 60.0f);
            if (j >= lo && j < hi && s[j] > max) max = s[j];
        }
        if (lo == hi) max = 1;
        memcpy(a, s, sizeof s);
        memcpy(b, s, sizeof s);
        float sum_a = ref.softmax(a, lo, hi, max), sum_b = twin.softmax(b, lo, hi, max);
        CHECK_INT(ft__bits_of(sum_a), ft__bits_of(sum_b));
        CHECK_INT(n_different(a, b, 64), 0);
        double sum = exact_softmax(s, lo, hi, max, p);
        if (!CHECK_NEAR(sum_a, sum, 8e-6 * sum)) return;
        for (int j = 0; j < 64; j++) /* s - max has up to 87 * 2^-24 of error */
            if (!CHECK_NEAR(a[j], p[j], 8e-6 * p[j])) return;
    }
}

/* Whatever lies beyond the last position (memory that was never written) counts for nothing. */
TEST(kernels, softmax_does_not_see_beyond) {
    REFERENCE(ref);
    ft__kernels twin = ref;
    twins(&twin);
    for (int k = 0; k < 2; k++) {
        float s[64];
        for (int j = 0; j < 64; j++) s[j] = j < 3 ? 1.0f : ft__float_of(j % 2 ? 0x7FC00000u : 0x7F800000u);
        CHECK((k ? twin : ref).softmax(s, 0, 3, 1) == 3);
        for (int j = 0; j < 64; j++) CHECK(s[j] == (j < 3 ? 1.0f : 0.0f));
    }
}

TEST(kernels, values) {
    REFERENCE(ref);
    ft__kernels twin = ref;
    twins(&twin);
    random_state = 12;
    for (int round = 0; round < 40; round++) {
        for (size_t h = 0; h < FT__COUNT(head_dims); h++) {
            const int n = head_dims[h], lo = round % 3 ? 0 : next_below(64), hi = lo + next_below(65 - lo);
            float o[4][MAX_HEAD], p[64];
            fill_tile(64 * n);
            for (int j = 0; j < 64; j++) p[j] = absolute((double)next_float()) < 0.2 ? 0 : next_float();
            for (int d = 0; d < n; d++) o[0][d] = o[1][d] = o[2][d] = o[3][d] = next_float();
            double start = (double)o[0][0], size = absolute(start);
            ref.values_f32(o[0], p, tile_f32, lo, hi, n);
            ref.values_f16(o[1], p, tile_f16, lo, hi, n);
            twin.values_f32(o[2], p, tile_f32, lo, hi, n);
            twin.values_f16(o[3], p, tile_f16, lo, hi, n);
            for (int i = 1; i < 4; i++) CHECK_INT(n_different(o[0], o[i], (size_t)n), 0);
            for (int j = lo; j < hi; j++) {
                double product = (double)p[j] * (double)tile_f32[j * n];
                start += product, size += absolute(product);
            }
            CHECK_NEAR(o[0][0], start, size * 65 / 16777216);
        }
    }
}

/* All of attention, over several spans, against double precision; and the twin. */
TEST(kernels, attention) {
    enum { N = 2100, HEADS = 4, KV = 2, DIM = 20 };
    REFERENCE(ref);
    ft__kernels twin = ref;
    twins(&twin);
    static uint8_t page[(N + 63) / 64][4 * 2 * 64 * DIM * KV + 64];
    static float keys[N][KV * DIM], values[N][KV * DIM];
    uint8_t *pages[(N + 63) / 64];
    float query[HEADS * DIM], got[HEADS * DIM], other[HEADS * DIM];
    ft__attention a = {HEADS, KV, DIM, 0.3f, false, 64};
    random_state = 13;
    for (int i = 0; i < (N + 63) / 64; i++) {
        memset(page[i], 0xFF, sizeof page[i]); /* NaNs where nothing was stored */
        pages[i] = page[i];
    }
    for (int t = 0; t < N; t++) {
        for (int i = 0; i < KV * DIM; i++) keys[t][i] = next_float(), values[t][i] = next_float();
        CHECK(ft__attention_store(&a, pages, t, keys[t], values[t]));
    }
    static const int positions[] = {0, 1, 63, 64, 700, 1023, 1024, 1100, 2047, 2048, 2099};
    for (size_t i = 0; i < FT__COUNT(positions); i++) {
        const int position = positions[i];
        for (int d = 0; d < HEADS * DIM; d++) query[d] = next_float();
        for (int h = 0; h < KV; h++) ft__attend(&ref, &a, pages, position, h, query, got);
        for (int h = 0; h < KV; h++) ft__attend(&twin, &a, pages, position, h, query, other);
        CHECK_INT(n_different(got, other, HEADS * DIM), 0);
        for (int h = 0; h < HEADS; h++) {
            static double p[N];
            double max = -1e30, sum = 0;
            for (int t = 0; t <= position; t++) {
                p[t] = 0;
                for (int d = 0; d < DIM; d++)
                    p[t] += (double)query[h * DIM + d] * (double)keys[t][h / 2 * DIM + d];
                p[t] *= (double)0.3f;
                if (p[t] > max) max = p[t];
            }
            for (int t = 0; t <= position; t++) sum += p[t] = ft__exp(p[t] - max);
            for (int d = 0; d < DIM; d++) {
                double expected = 0;
                for (int t = 0; t <= position; t++) expected += p[t] * (double)values[t][h / 2 * DIM + d];
                CHECK_NEAR(got[h * DIM + d], expected / sum, 2e-4); /* values reach 16, weights differ */
            }
        }
    }
}

TEST(kernels, cache_says_what_f16_cannot_hold) {
    static const float beyond[] = {65520.0f, -65520.0f, 1e30f};
    uint8_t *page = (uint8_t *)calloc(1, 4096);
    ft__attention a = {1, 1, 8, 1, true, 0};
    float k[8] = {65519.0f}, v[8] = {-65519.0f};
    CHECK(ft__attention_store(&a, &page, 5, k, v));
    for (size_t i = 0; i < 3; i++) {
        float bad[8] = {0};
        bad[i] = beyond[i];
        CHECK(!ft__attention_store(&a, &page, 5, bad, v));
        CHECK(!ft__attention_store(&a, &page, 5, k, bad));
    }
    free(page);
}

/* ---- silu */

TEST(kernels, silu_mul) {
    REFERENCE(ref);
    ft__kernels twin = ref;
    twins(&twin);
    random_state = 14;
    for (int n = 1; n <= 200; n++) {
        float gate[2][200], up[200], start[200];
        for (int i = 0; i < n; i++) {
            start[i] = gate[0][i] = gate[1][i] = next_float() * (n % 3 ? 8.0f : 120.0f);
            up[i] = next_float();
        }
        ref.silu_mul(gate[0], up, n);
        twin.silu_mul(gate[1], up, n);
        CHECK_INT(n_different(gate[0], gate[1], (size_t)n), 0);
        for (int i = 0; i < n; i++) {
            double g = (double)start[i], expected = g / (1 + ft__exp(-g)) * (double)up[i];
            CHECK_NEAR(gate[0][i], expected, 2e-6 * absolute(expected) + 1e-30); /* exp stops at 80 */
        }
    }
}

/* What is not a number may not become one. */
TEST(kernels, not_a_number_stays) {
    REFERENCE(ref);
    ft__kernels twin = ref;
    twins(&twin);
    const float bad[2] = {ft__float_of(0x7FC00000u), ft__float_of(0x7F800000u)};
    for (int k = 0; k < 4; k++) {
        const ft__kernels *kernels = k < 2 ? &ref : &twin;
        float gate[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, up[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, got;
        for (int i = 0; i < 9; i++) {
            gate[i] = bad[k % 2];
            kernels->silu_mul(gate, up, 9);
            CHECK(!ft__finite((double)gate[i]));
            gate[i] = 1;
        }
        up[8] = bad[k % 2];
        CHECK(!ft__finite((double)kernels->sum_squares(up, 9)));
        ft__acts a = {1, 9, up, NULL, NULL};
        kernels->rows[FT__FORMAT_F32]((const uint8_t *)gate, 36, 1, &a, &got, 1);
        CHECK(!ft__finite((double)got));
        int8_t codes[32] = {0};
        float scale = ft__float_of(0x7FC00000u);
        ft__acts blocks = {1, 32, NULL, codes, &scale};
        memset(weights, 0, 34);
        kernels->rows[FT__FORMAT_Q8_0](weights, 34, 1, &blocks, &got, 1);
        CHECK(!ft__finite((double)got));
    }
}

/* ---- over threads */

TEST(kernels, matmul_is_the_same_on_any_number_of_threads) {
    static uint8_t big[700 * 34 * 8];
    static float expected[5 * 700], got[5 * 700], bias[700];
    ft_allocator a = ft__allocator(NULL);
    ft__kernels k;
    ft_error err;
    if (!CHECK_OK(ft__kernels_choose(&k, &err), err)) return;
    random_state = 15;
    for (size_t at = 0; at < sizeof big; at += 34) {
        uint16_t half = ft__f32_to_f16(next_float() * 0.02f);
        for (int i = 0; i < 34; i++) big[at + (size_t)i] = (uint8_t)next_random();
        memcpy(big + at, &half, 2);
    }
    for (int i = 0; i < 700; i++) bias[i] = next_float();
    for (int threads = 1; threads <= 8; threads++) {
        ft__pool *pool = ft__pool_create(threads, &a, &err);
        if (!CHECK(pool != NULL)) return;
        static const int n_rows[] = {1, 8, 9, 65, 127, 700};
        random_state = 16;
        ft__acts acts = fill_acts(&k, 5, 256);
        for (size_t i = 0; i < FT__COUNT(n_rows); i++) {
            ft__matrix w = {ft__format_find(FT__FORMAT_Q8_0), big, n_rows[i], 256, 34 * 8};
            const float *b = i % 2 ? bias : NULL;
            k.rows[FT__FORMAT_Q8_0](big, w.row_bytes, w.n_rows, &acts, expected, 700);
            for (int t = 0; t < 5 && b; t++)
                for (int r = 0; r < w.n_rows; r++) expected[t * 700 + r] += b[r];
            memset(got, 0, sizeof got);
            ft__matmul(pool, &k, &w, b, &acts, got, 700);
            for (int t = 0; t < 5; t++)
                CHECK_INT(n_different(expected + t * 700, got + t * 700, (size_t)w.n_rows), 0);
        }
        ft__pool_free(pool);
    }
}

/* ---- which table */

TEST(kernels, the_environment_chooses) {
    ft__kernels k;
    ft_error err;
    setenv("FT_ISA", "scalar", 1);
    CHECK_OK(ft__kernels_choose(&k, &err), err);
    CHECK_INT(k.isa, FT__ISA_SCALAR);
    setenv("FT_ISA", "avx9", 1);
    CHECK_ERROR(ft__kernels_choose(&k, &err), FT_ERR_ARGUMENT, err, "found \"avx9\", expected scalar or avx2");
    setenv("FT_ISA", "", 1);
    CHECK_OK(ft__kernels_choose(&k, &err), err);
    unsetenv("FT_ISA");
}
