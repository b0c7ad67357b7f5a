/* The kernels: every twin against the reference bit for bit, the reference against double precision. */
#include "test.h"
#include "blocks.h"
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

/* The reference, and the tables of the faster instruction sets that this machine has. */
static ft__kernels ref, twins[FT__ISA_COUNT];
static int n_twins;

static int begin(uint64_t seed) {
    random_state = seed;
    n_twins = 0;
    memset(&ref, 0, sizeof ref);
    ft__kernels_scalar(&ref);
    for (int i = FT__ISA_SCALAR + 1; i < FT__ISA_COUNT; i++) {
        setenv("FT_ISA", ft__isa_name((ft__isa)i), 1);
        if (ft__kernels_choose(&twins[n_twins], NULL) == FT_OK) n_twins++;
    }
    unsetenv("FT_ISA");
    return n_twins;
}

static const char *const no_twin = "this machine has neither AVX2 nor NEON";

/* Equal bits; NaNs may differ in sign and payload, since all of them are reported as one error. */
static size_t n_different(const float *a, const float *b, size_t n) {
    size_t different = 0;
    for (size_t i = 0; i < n; i++)
        if (ft__bits_of(a[i]) != ft__bits_of(b[i]) && !(a[i] != a[i] && b[i] != b[i])) different++;
    return different;
}

/* ---- a matrix and activations of random values */

enum { MAX_ROWS = 40, MAX_TOKENS = 13, MAX_COLS = 2048 };

static uint8_t weights[MAX_ROWS * MAX_COLS * 4 + 64];
static float decoded[MAX_ROWS * MAX_COLS];
static float x[MAX_TOKENS * MAX_COLS];
static int8_t q[MAX_TOKENS * MAX_COLS];
static float scales[MAX_TOKENS * MAX_COLS / 32];
static uint8_t tiles[MAX_TOKENS * MAX_COLS / 32 * FT__TILE_TOKEN_BYTES] __attribute__((aligned(64)));
static uint8_t packed[(MAX_ROWS + 16) * MAX_COLS * 2] __attribute__((aligned(64)));
static float out_a[MAX_TOKENS * (MAX_ROWS + 8)], out_b[MAX_TOKENS * (MAX_ROWS + 8)];

/* Blocks of random bits, but for scales that are numbers of a common size. */
static void fill_weights(uint32_t type, size_t n) {
    const ft__format *format = ft__format_find(type);
    for (size_t b = 0; b < n / format->n_elements; b++) {
        uint8_t *block = weights + b * format->n_bytes;
        for (size_t i = 0; i < format->n_bytes; i++) block[i] = (uint8_t)next_random();
        blocks_set_scale(type, block, next_float() * (format->n_elements > 1 ? 0.02f : 1.0f));
    }
    format->decode(weights, n, decoded);
}

/* Both int8 forms of q and scales. */
static ft__acts int8_acts(int n_tokens, int n_cols) {
    ft__acts a = {n_tokens, n_cols, x, q, scales, tiles};
    for (int t = 0; t < n_tokens; t += FT__TILE_TOKENS)
        ref.tile(q + t * n_cols, scales + t * n_cols / 32, n_cols,
                 n_tokens - t < FT__TILE_TOKENS ? n_tokens - t : (int)FT__TILE_TOKENS,
                 tiles + t * n_cols / 32 * FT__TILE_TOKEN_BYTES);
    return a;
}

static ft__acts fill_acts(int n_tokens, int n_cols) {
    size_t n = (size_t)n_tokens * (size_t)n_cols;
    ft__acts a = {n_tokens, n_cols, x, NULL, NULL, NULL};
    for (size_t i = 0; i < n; i++) x[i] = next_float();
    if (n_cols % 32) return a;
    ref.quantize(x, (int)n, q, scales);
    return int8_acts(n_tokens, n_cols);
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
static const uint32_t block_types[] = {FT__FORMAT_Q8_0, FT__FORMAT_Q4_0, FT__FORMAT_Q4_K, FT__FORMAT_Q6_K,
                                       3, 6, 7, 10, 11, 13, 16, 17, 18, 19, 20, 21, 22, 23, 29, 34, 35, 39, 40,
                                       41, 42};
static const int block_cols[] = {32, 64, 96, 256, 480, 512, 544, 768, 1024, 1056, 1280, 2048};

typedef struct shape { int rows, tokens; } shape;
static const shape shapes[] = {{1, 1},  {2, 3},  {7, 4},  {8, 5},  {9, 9},  {13, 2}, {16, 8},
                               {17, 1}, {23, 6}, {24, 4}, {31, 7}, {33, 3}, {40, 9}, {39, 5},
                               {32, 6}, {33, 12}, {15, 13}};

/* out_b against out_a; what lies beside the rows and tokens must have stayed as it was. */
static bool check_out(const char *what, int isa, uint32_t type, int n_cols, shape s) {
    const size_t ld = MAX_ROWS + 8;
    bool fine = CHECK_INT(n_different(out_a, out_b, FT__COUNT(out_a)), 0);
    for (size_t t = 0; t < MAX_TOKENS && fine; t++)
        for (size_t r = 0; r < ld && fine; r++)
            if (r >= (size_t)s.rows || t >= (size_t)s.tokens) fine = CHECK(out_b[t * ld + r] == -77);
    if (!fine)
        test_note("%s, %s, type %u, %d rows, %d columns, %d tokens", what, ft__isa_name((ft__isa)isa), type, s.rows,
                  n_cols, s.tokens);
    return fine;
}

/* One shape of one type: every kernel, on rows and on packed rows. */
static bool compare_rows(uint32_t type, int n_cols, shape s) {
    const size_t ld = MAX_ROWS + 8;
    ft__matrix w = {ft__format_find(type), weights, NULL, s.rows, n_cols, row_bytes_of(type, n_cols)};
    ft_allocator allocator = ft__allocator(NULL);
    ft__pool *pool = ft__pool_create(1, &allocator, NULL);
    bool fine = pool != NULL;
    fill_weights(type, (size_t)s.rows * (size_t)n_cols);
    ft__acts a = fill_acts(s.tokens, n_cols);
    for (size_t i = 0; i < FT__COUNT(out_a); i++) out_a[i] = -77;
    ref.rows[type](weights, w.row_bytes, s.rows, &a, out_a, ld);
    for (int k = 0; k < n_twins && fine; k++) {
        for (size_t i = 0; i < FT__COUNT(out_b); i++) out_b[i] = -77;
        if (twins[k].rows[type] != ref.rows[type]) {
            twins[k].rows[type](weights, w.row_bytes, s.rows, &a, out_b, ld);
            fine = check_out("rows", twins[k].isa, type, n_cols, s);
        }
        if (!twins[k].packed[type]) continue;
        memset(packed, 0xAA, sizeof packed);
        ft__pack(pool, &w, packed);
        ft__matrix p = w;
        p.packed = packed;
        for (size_t i = 0; i < FT__COUNT(out_b); i++) out_b[i] = -77;
        ft__matmul(pool, &twins[k], &p, NULL, &a, out_b, ld);
        fine = fine && check_out("packed", twins[k].isa, type, n_cols, s);
    }
    ft__pool_free(pool);
    return fine;
}

TEST(kernels, block_rows_equal_the_reference) {
    if (!begin(1)) SKIP(no_twin);
    for (size_t i = 0; i < FT__COUNT(block_types); i++)
        for (size_t c = 0; c < FT__COUNT(block_cols); c++)
            for (size_t s = 0; s < FT__COUNT(shapes); s++)
                if (block_cols[c] % (int)ft__format_find(block_types[i])->n_elements == 0)
                    if (!compare_rows(block_types[i], block_cols[c], shapes[s])) return;
}

TEST(kernels, float_rows_equal_the_reference) {
    if (!begin(2)) SKIP(no_twin);
    for (size_t i = 0; i < FT__COUNT(float_types); i++) {
        for (int n_cols = 1; n_cols <= 200; n_cols++)
            if (!compare_rows(float_types[i], n_cols, shapes[n_cols % (int)FT__COUNT(shapes)])) return;
        for (size_t s = 0; s < FT__COUNT(shapes); s++)
            if (!compare_rows(float_types[i], 300, shapes[s])) return;
    }
}

TEST(kernels, rows_are_near_double_precision) {
    const size_t ld = MAX_ROWS;
    begin(3);
    for (size_t i = 0; i < 3 + FT__COUNT(block_types); i++) {
        bool blocks = i >= 3;
        uint32_t type = blocks ? block_types[i - 3] : float_types[i];
        double worst = 0;
        for (int round = 0; round < 12; round++) {
            int n_cols = blocks ? 256 * (1 + round % 5) : 1 + next_below(700), n_rows = 20;
            fill_weights(type, (size_t)n_rows * (size_t)n_cols);
            ft__acts a = fill_acts(3, n_cols);
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
    int8_t ones[1056];
    float scale[33], sum[2], got;
    begin(4);
    memset(ones, 1, sizeof ones);
    for (int b = 0; b < 33; b++) {
        uint16_t half = ft__f32_to_f16(1.0f);
        memcpy(weights + b * 34, &half, 2);
        memset(weights + b * 34 + 2, 1, 32);
        scale[b] = b == 0 ? 1048576.0f : 0.001f * (float)(b + 1);
    }
    ft__acts a = {1, 1056, NULL, ones, scale, NULL};
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

/* What the packed layouts of int8 codes and the reference compute, written down once more: integer factors
   before the sum turns into a float, one term per block, then the minimum's; two terms where each half has a
   float scale of its own. */
TEST(kernels, unpacked_formats_keep_the_order) {
    static const uint32_t types[] = {6, 3, 10, 11, 17, 40}; /* Q5_0 Q4_1 Q2_K Q3_K IQ2_XS NVFP4 */
    const int n_cols = 1280;
    begin(23);
    for (size_t k = 0; k < FT__COUNT(types); k++) {
        const ft__format *format = ft__format_find(types[k]);
        volatile float total = 0, acc = 0, term;
        float got;
        fill_weights(types[k], (size_t)n_cols);
        ft__acts a = fill_acts(1, n_cols);
        for (int b = 0; b < n_cols / 32; b++) {
            ft__unpacked u;
            int sum[2] = {0, 0}, x_sum[2] = {0, 0};
            format->unpack(weights, b, &u);
            for (int i = 0; i < 32; i++) sum[i / 16] += u.code[i] * q[32 * b + i], x_sum[i / 16] += q[32 * b + i];
            int isum = u.factor[0] * sum[0] + u.factor[1] * sum[1];
            term = u.scale[0] * scales[b], term = term * (float)(types[k] == 40 ? sum[0] : isum), acc = acc + term;
            if (types[k] == 40) term = u.scale[1] * scales[b], term = term * (float)sum[1], acc = acc + term;
            isum = u.min_factor[0] * x_sum[0] + u.min_factor[1] * x_sum[1];
            term = u.min * scales[b], term = term * (float)isum, acc = acc - term; /* 0 where there is none */
            if (b % 16 == 15 || b == n_cols / 32 - 1) total = total + acc, acc = 0;
        }
        ref.rows[types[k]](weights, row_bytes_of(types[k], n_cols), 1, &a, &got, 1);
        CHECK_INT(ft__bits_of(got), ft__bits_of(total));
    }
}

/* The largest codes on both sides: 16-bit sums of products would overflow first here. */
TEST(kernels, extreme_codes_do_not_saturate) {
    static const uint8_t fills[] = {0x00, 0xFF, 0x7F, 0x80, 0x81};
    const int n_cols = 512, n_rows = 9;
    ft_allocator allocator = ft__allocator(NULL);
    ft__pool *pool = ft__pool_create(1, &allocator, NULL);
    begin(5);
    for (size_t i = 0; i < FT__COUNT(block_types) * FT__COUNT(fills) * 2; i++) {
        const uint32_t type = block_types[i % FT__COUNT(block_types)];
        const uint8_t fill = fills[i / 2 % FT__COUNT(fills)];
        const int sign = i & 1 ? 127 : -127;
        ft__matrix w = {ft__format_find(type), weights, NULL, n_rows, n_cols, row_bytes_of(type, n_cols)}, p = w;
        size_t bytes = w.row_bytes * (size_t)n_rows;
        double size, expected;
        memset(weights, fill, bytes);
        for (size_t at = 0; at < bytes; at += w.format->n_bytes) {
            if (type == FT__FORMAT_Q6_K) memset(weights + at + 192, 0x80, 16); /* scales of -128 */
            if (type == 11) memset(weights + at, 0, 108); /* Q3_K: codes -4 times -32, the most there is */
            if (type == 40) memset(weights + at, 0x7E, 4); /* NVFP4: the largest scale, 448 */
            blocks_set_scale(type, weights + at, 1.0f);
        }
        w.format->decode(weights, (size_t)n_rows * (size_t)n_cols, decoded);
        for (int at = 0; at < n_cols; at++) q[at] = (int8_t)sign;
        for (int at = 0; at < n_cols / 32; at++) scales[at] = 1;
        ft__acts a = int8_acts(1, n_cols);
        ref.rows[type](weights, w.row_bytes, n_rows, &a, out_a, MAX_ROWS);
        expected = exact_dot(true, 0, 0, n_cols, &size);
        for (int r = 0; r < n_rows; r++) CHECK_NEAR(out_a[r], expected, 0);
        ft__pack(pool, &w, packed);
        p.packed = packed;
        for (int k = 0; k < n_twins; k++) {
            twins[k].rows[type](weights, w.row_bytes, n_rows, &a, out_b, MAX_ROWS);
            CHECK_INT(n_different(out_a, out_b, (size_t)n_rows), 0);
            if (!twins[k].packed[type]) continue;
            ft__matmul(pool, &twins[k], &p, NULL, &a, out_b, MAX_ROWS);
            CHECK_INT(n_different(out_a, out_b, (size_t)n_rows), 0);
        }
    }
    ft__pool_free(pool);
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

TEST(kernels, quantize) {
    begin(6);
    check_quantize(&ref);
    for (int k = 0; k < n_twins; k++) check_quantize(&twins[k]);
}

/* Every code is a nearest one: |x - code * scale| is at most half a step and a little. */
TEST(kernels, quantize_is_near) {
    begin(7);
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
    static int8_t codes[2][1024];
    static float scale[2][32];
    if (!begin(8)) SKIP(no_twin);
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
        for (int k = 0; k < n_twins; k++) {
            twins[k].quantize(x, n, codes[1], scale[1]);
            CHECK(memcmp(codes[0], codes[1], sizeof codes[0]) == 0);
            if (!CHECK_INT(n_different(scale[0], scale[1], (size_t)(n / 32)), 0)) return;
        }
    }
}

/* ---- sums of squares and norms */

TEST(kernels, sum_squares) {
    begin(9);
    for (int n = 1; n <= 400; n++) {
        double sum = 0;
        for (int i = 0; i < n; i++) x[i] = next_float(), sum += (double)x[i] * (double)x[i];
        float got = ref.sum_squares(x, n);
        CHECK_NEAR(got, sum, 20 * sum / 16777216);
        for (int k = 0; k < n_twins; k++) CHECK_INT(ft__bits_of(twins[k].sum_squares(x, n)), ft__bits_of(got));
    }
}

/* The order of additions itself: 64 partial sums, then halves. */
TEST(kernels, float_sums_keep_their_order) {
    begin(10);
    for (int n = 1; n < 300; n += 7) {
        float p[64] = {0}, got, w[300];
        for (int i = 0; i < n; i++) w[i] = next_float(), x[i] = next_float();
        for (int i = 0; i < n; i++) {
            volatile float product = w[i] * x[i];
            p[i % 64] = p[i % 64] + product;
        }
        for (int half = 32; half; half /= 2)
            for (int i = 0; i < half; i++) p[i] = p[i] + p[i + half];
        ft__acts a = {1, n, x, NULL, NULL, NULL};
        ref.rows[FT__FORMAT_F32]((const uint8_t *)w, 0, 1, &a, &got, 1);
        CHECK_INT(ft__bits_of(got), ft__bits_of(p[0]));
    }
}

TEST(kernels, rms_norm) {
    static float weight[300], out[300];
    begin(11);
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

/* out += factor * B low: the tree over the rank, for every number of outputs. */
TEST(kernels, low_rank) {
    enum { OUT = 50, TOKENS = 5, RANK = 200 };
    static float b[RANK * OUT], low[TOKENS * RANK], start[TOKENS * OUT], got[TOKENS * OUT];
    begin(12);
    for (int rank = 1; rank <= RANK; rank = rank < 70 ? rank + 1 : rank + 13) {
        const int n_out = 1 + next_below(OUT), n_tokens = 1 + next_below(TOKENS);
        const float factor = next_float() + 2;
        for (int i = 0; i < RANK * OUT; i++) b[i] = next_float();
        for (int i = 0; i < TOKENS * RANK; i++) low[i] = next_float();
        for (int i = 0; i < TOKENS * OUT; i++) start[i] = next_float() + 0.0f; /* a product is never -0 */
        memcpy(out_a, start, sizeof start);
        ref.low_rank(b, rank, n_out, low, n_tokens, factor, out_a, OUT);
        for (int t = 0; t < n_tokens; t++) {
            for (int r = 0; r < n_out; r++) {
                double sum = 0, size = 0;
                for (int k = 0; k < rank; k++) {
                    double product = (double)b[k * n_out + r] * (double)low[t * rank + k];
                    sum += product, size += absolute(product);
                }
                double from = (double)start[t * OUT + r];
                CHECK_NEAR(out_a[t * OUT + r], from + (double)factor * sum,
                           (absolute(from) + absolute((double)factor) * size) * 12 / 16777216);
            }
        }
        for (int k = 0; k < n_twins; k++) {
            memcpy(got, start, sizeof start);
            twins[k].low_rank(b, rank, n_out, low, n_tokens, factor, got, OUT);
            if (!CHECK_INT(n_different(out_a, got, TOKENS * OUT), 0)) return;
        }
    }
}

/* ---- attention */

static const int head_dims[] = {2, 6, 8, 16, 20, 32, 36, 64, 80, 128, 144};
enum { MAX_HEAD = 144, MAX_QUERIES = 9 };
static float tile[64 * MAX_HEAD], queries[MAX_QUERIES * MAX_HEAD], weights_of_keys[MAX_QUERIES * 64];

static void fill(float *out, int n) {
    for (int i = 0; i < n; i++) out[i] = next_float();
}

TEST(kernels, widen) {
    static uint16_t half[65536];
    static float expected[65536], got[65536];
    begin(13);
    for (int i = 0; i < 65536; i++) half[i] = (uint16_t)i;
    ref.widen(half, expected, 65536);
    for (int i = 0; i < 65536; i++) CHECK(ft__bits_of(expected[i]) == ft__bits_of(ft__f16_to_f32((uint16_t)i)));
    for (int k = 0; k < n_twins; k++) {
        twins[k].widen(half, got, 65536);
        CHECK_INT(n_different(expected, got, 65536), 0);
        for (int n = 0; n < 40; n++) {
            memset(got, 0, sizeof got);
            twins[k].widen(half + 0x3C00, got, n);
            CHECK(n_different(expected + 0x3C00, got, (size_t)n) == 0 && ft__bits_of(got[n]) == 0);
        }
    }
}

TEST(kernels, scores) {
    begin(14);
    for (size_t h = 0; h < FT__COUNT(head_dims); h++) {
        for (int n_q = 1; n_q <= MAX_QUERIES; n_q++) {
            const int n = head_dims[h];
            float s[MAX_QUERIES * 64], other[MAX_QUERIES * 64];
            fill(tile, 64 * n);
            fill(queries, n_q * n);
            ref.scores(queries, n_q, tile, n, 0.37f, s);
            for (int k = 0; k < n_twins; k++) {
                twins[k].scores(queries, n_q, tile, n, 0.37f, other);
                if (!CHECK_INT(n_different(s, other, (size_t)n_q * 64), 0)) return;
            }
            for (int j = 0; j < 64 * n_q; j++) {
                double sum = 0, size = 0;
                for (int d = 0; d < n; d++) {
                    double product = (double)queries[j / 64 * n + d] * (double)tile[d * 64 + j % 64];
                    sum += product, size += absolute(product);
                }
                if (!CHECK_NEAR(s[j], sum * (double)0.37f, size * n / 16777216)) return;
            }
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
    begin(15);
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
        float sum_a = ref.softmax(a, lo, hi, max);
        for (int k = 0; k < n_twins; k++) {
            memcpy(b, s, sizeof s);
            CHECK_INT(ft__bits_of(twins[k].softmax(b, lo, hi, max)), ft__bits_of(sum_a));
            if (!CHECK_INT(n_different(a, b, 64), 0)) return;
        }
        double sum = exact_softmax(s, lo, hi, max, p);
        if (!CHECK_NEAR(sum_a, sum, 8e-6 * sum)) return;
        for (int j = 0; j < 64; j++) /* s - max has up to 87 * 2^-24 of error */
            if (!CHECK_NEAR(a[j], p[j], 8e-6 * p[j])) return;
    }
}

/* Whatever lies beyond the last position (memory that was never written) counts for nothing. */
TEST(kernels, softmax_does_not_see_beyond) {
    begin(16);
    for (int k = -1; k < n_twins; k++) {
        float s[64];
        for (int j = 0; j < 64; j++) s[j] = j < 3 ? 1.0f : ft__float_of(j % 2 ? 0x7FC00000u : 0x7F800000u);
        CHECK((k < 0 ? &ref : &twins[k])->softmax(s, 0, 3, 1) == 3);
        for (int j = 0; j < 64; j++) CHECK(s[j] == (j < 3 ? 1.0f : 0.0f));
    }
}

TEST(kernels, values) {
    static float start[MAX_QUERIES * MAX_HEAD], o[MAX_QUERIES * MAX_HEAD], other[MAX_QUERIES * MAX_HEAD];
    begin(17);
    for (int round = 0; round < 30; round++) {
        for (size_t h = 0; h < FT__COUNT(head_dims); h++) {
            const int n = head_dims[h], n_q = 1 + next_below(MAX_QUERIES);
            const int lo = round % 3 ? 0 : next_below(64), hi = lo + next_below(65 - lo);
            fill(tile, 64 * n);
            fill(weights_of_keys, n_q * 64);
            fill(start, MAX_QUERIES * n);
            memcpy(o, start, sizeof o);
            ref.values(o, n_q, weights_of_keys, tile, lo, hi, n);
            for (int k = 0; k < n_twins; k++) {
                memcpy(other, start, sizeof other);
                twins[k].values(other, n_q, weights_of_keys, tile, lo, hi, n);
                if (!CHECK_INT(n_different(o, other, (size_t)(MAX_QUERIES * n)), 0)) return;
            }
            for (int i = 0; i < n_q * n; i++) {
                double sum = (double)start[i], size = absolute(sum);
                for (int j = lo; j < hi; j++) {
                    double product = (double)weights_of_keys[i / n * 64 + j] * (double)tile[j * n + i % n];
                    sum += product, size += absolute(product);
                }
                if (!CHECK_NEAR(o[i], sum, size * 65 / 16777216)) return;
            }
        }
    }
}

/* All of attention, over several spans, against double precision; tokens together as one by one, and every
   twin.  N tokens of KV heads are stored, in F32 or as F16 or int8 hold them. */
enum { N = 2100, HEADS = 6, KV = 2, DIM = 20, PAGES = (N + 63) / 64 };
static uint8_t all_pages[PAGES][4 * 2 * 64 * DIM * KV + 64] __attribute__((aligned(64)));
static float keys[N][KV * DIM], values[N][KV * DIM];
static float query[FT__ATTENTION_TOKENS * HEADS * DIM];

static void exact_attention(int from, int position, int head, const float *one_query, double out[DIM]) {
    static double p[N];
    const int kv = head / (HEADS / KV) * DIM;
    double max = -1e30, sum = 0;
    for (int t = from; t <= position; t++) {
        p[t] = 0;
        for (int d = 0; d < DIM; d++) p[t] += (double)one_query[d] * (double)keys[t][kv + d];
        p[t] *= (double)0.3f;
        if (p[t] > max) max = p[t];
    }
    for (int t = from; t <= position; t++) sum += p[t] = ft__exp(p[t] - max);
    for (int d = 0; d < DIM; d++) out[d] = 0;
    for (int t = from; t <= position; t++)
        for (int d = 0; d < DIM; d++) out[d] += p[t] / sum * (double)values[t][kv + d];
}

static void check_attention(ft_kv_type type, int window) {
    static const int positions[] = {0, 1, 50, 63, 64, 700, 1010, 1023, 1024, 1100, 2040, 2047, 2048, 2080};
    enum { ROW = HEADS * DIM, MOST = FT__ATTENTION_TOKENS };
    uint8_t *pages[PAGES];
    static float got[MOST * ROW], other[MOST * ROW];
    ft__attention a;
    memset(&a, 0, sizeof a);
    a.n_heads = HEADS, a.n_kv_heads = KV, a.head_dim = DIM, a.scale = 0.3f;
    a.type = type, a.page_offset = 64, a.window = window;
    float *scratch = (float *)malloc(ft__attention_scratch(&a) * sizeof *scratch);
    for (int i = 0; i < PAGES; i++) {
        memset(all_pages[i], 0xFF, sizeof all_pages[i]); /* NaNs where nothing was stored */
        pages[i] = all_pages[i];
    }
    for (int t = 0; t < N; t++) {
        for (int i = 0; i < KV * DIM; i++) {
            keys[t][i] = ft__f16_to_f32(ft__f32_to_f16(next_float()));
            values[t][i] = ft__f16_to_f32(ft__f32_to_f16(next_float()));
            if (type != FT_KV_Q8_0) continue; /* such as int8 holds: each head reaches 127 */
            keys[t][i] = (float)(i % DIM ? next_below(255) - 127 : 127) * 0.015625f;
            values[t][i] = (float)(i % DIM ? next_below(255) - 127 : -127) * 0.125f;
        }
        CHECK(ft__attention_store(&a, pages, t, keys[t], values[t]));
    }
    for (size_t i = 0; i < FT__COUNT(positions); i++) {
        const int first = positions[i], n = i % 2 ? 1 + next_below(MOST) : (int)MOST;
        fill(query, n * ROW);
        for (int t = 0; t < n; t++) /* one by one */
            for (int h = 0; h < KV; h++)
                ft__attend(&ref, &a, pages, first + t, 1, h, query + t * ROW, got + t * ROW, scratch);
        for (int k = -1; k < n_twins; k++) {
            for (int h = 0; h < KV; h++)
                ft__attend(k < 0 ? &ref : &twins[k], &a, pages, first, n, h, query, other, scratch);
            if (!CHECK_INT(n_different(got, other, (size_t)(n * ROW)), 0)) test_note("at %d, %d tokens", first, n);
        }
        for (int h = 0; h < HEADS; h++) {
            double expected[DIM];
            const int last = (n - 1) * ROW + h * DIM;
            const int position = first + n - 1;
            exact_attention(window && position >= window ? position - window + 1 : 0, position, h, query + last, expected);
            for (int d = 0; d < DIM; d++) CHECK_NEAR(got[last + d], expected[d], 2e-4); /* values reach 16 */
        }
    }
    free(scratch);
}

TEST(kernels, attention) {
    begin(18);
    check_attention(FT_KV_F32, 0);
    check_attention(FT_KV_F16, 0);
    check_attention(FT_KV_Q8_0, 0);
}

/* Windows within a tile, over tiles and spans, and one that begins where a tile does. */
TEST(kernels, attention_windows) {
    static const int windows[] = {1, 2, 37, 64, 65, 1000, 1024, 1025, 2047};
    begin(38);
    for (size_t i = 0; i < FT__COUNT(windows); i++) check_attention(i % 2 ? FT_KV_F16 : FT_KV_F32, windows[i]);
}

TEST(kernels, cache_says_what_f16_cannot_hold) {
    static const float beyond[] = {65520.0f, -65520.0f, 1e30f};
    uint8_t *page = (uint8_t *)calloc(1, 4096);
    ft__attention a;
    memset(&a, 0, sizeof a);
    a.n_heads = a.n_kv_heads = 1, a.head_dim = 8, a.scale = 1, a.type = FT_KV_F16;
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
    begin(19);
    for (int n = 1; n <= 200; n++) {
        float gate[2][200], up[200], start[200];
        for (int i = 0; i < n; i++) {
            start[i] = gate[0][i] = next_float() * (n % 3 ? 8.0f : 120.0f);
            up[i] = next_float();
        }
        ref.silu_mul(gate[0], up, n);
        for (int k = 0; k < n_twins; k++) {
            memcpy(gate[1], start, sizeof start);
            twins[k].silu_mul(gate[1], up, n);
            CHECK_INT(n_different(gate[0], gate[1], (size_t)n), 0);
        }
        for (int i = 0; i < n; i++) {
            double g = (double)start[i], expected = g / (1 + ft__exp(-g)) * (double)up[i];
            CHECK_NEAR(gate[0][i], expected, 2e-6 * absolute(expected) + 1e-30); /* exp stops at 80 */
        }
    }
}

/* What is not a number may not become one. */
TEST(kernels, not_a_number_stays) {
    const float bad[2] = {ft__float_of(0x7FC00000u), ft__float_of(0x7F800000u)};
    begin(20);
    for (int k = 0; k < 2 + 2 * n_twins; k++) {
        const ft__kernels *kernels = k < 2 ? &ref : &twins[k / 2 - 1];
        float gate[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, up[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, got;
        for (int i = 0; i < 9; i++) {
            gate[i] = bad[k % 2];
            kernels->silu_mul(gate, up, 9);
            CHECK(!ft__finite((double)gate[i]));
            gate[i] = 1;
        }
        up[8] = bad[k % 2];
        CHECK(!ft__finite((double)kernels->sum_squares(up, 9)));
        ft__acts a = {1, 9, up, NULL, NULL, NULL};
        kernels->rows[FT__FORMAT_F32]((const uint8_t *)gate, 36, 1, &a, &got, 1);
        CHECK(!ft__finite((double)got));
        int8_t codes[32] = {0};
        float scale = ft__float_of(0x7FC00000u);
        ft__acts blocks = {1, 32, NULL, codes, &scale, NULL};
        memset(weights, 0, 34);
        kernels->rows[FT__FORMAT_Q8_0](weights, 34, 1, &blocks, &got, 1);
        CHECK(!ft__finite((double)got));
    }
}

/* ---- over threads */

TEST(kernels, matmul_is_the_same_on_any_number_of_threads) {
    static uint8_t big[700 * 34 * 8], big_packed[704 * 34 * 8] __attribute__((aligned(64)));
    static float expected[5 * 700], got[5 * 700], bias[700];
    ft_allocator a = ft__allocator(NULL);
    ft__kernels k;
    ft_error err;
    if (!CHECK_OK(ft__kernels_choose(&k, &err), err)) return;
    begin(21);
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
        begin(22);
        ft__acts acts = fill_acts(5, 256);
        for (size_t i = 0; i < FT__COUNT(n_rows); i++) {
            ft__matrix w = {ft__format_find(FT__FORMAT_Q8_0), big, NULL, n_rows[i], 256, 34 * 8};
            const float *b = i % 2 ? bias : NULL;
            k.rows[FT__FORMAT_Q8_0](big, w.row_bytes, w.n_rows, &acts, expected, 700);
            for (int t = 0; t < 5 && b; t++)
                for (int r = 0; r < w.n_rows; r++) expected[t * 700 + r] += b[r];
            for (int form = 0; form < (k.packed[FT__FORMAT_Q8_0] ? 2 : 1); form++) {
                if (form) ft__pack(pool, &w, big_packed), w.packed = big_packed;
                memset(got, 0, sizeof got);
                ft__matmul(pool, &k, &w, b, &acts, got, 700);
                for (int t = 0; t < 5; t++)
                    CHECK_INT(n_different(expected + t * 700, got + t * 700, (size_t)w.n_rows), 0);
            }
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
    CHECK_ERROR(ft__kernels_choose(&k, &err), FT_ERR_ARGUMENT, err, "found \"avx9\", expected scalar, avx2, avx512, neon or dotprod");
    setenv("FT_ISA", "", 1);
    CHECK_OK(ft__kernels_choose(&k, &err), err);
    unsetenv("FT_ISA");
}

/* The small ones: row by row what the scalar twin gives, at every length. */
TEST(kernels, elementwise) {
    enum { LEN = 150 };
    float a[LEN], b[LEN], w[LEN], out[2][LEN];
    begin(31);
    for (int n = 0; n <= LEN; n++) {
        for (int i = 0; i < LEN; i++) a[i] = next_float(), b[i] = next_float(), w[i] = next_float();
        for (int k = 0; k < n_twins; k++) {
            const ft__kernels *tables[2] = {&ref, &twins[k]};
            float max[2];
            for (int op = 0; op < 4; op++) {
                for (int t = 0; t < 2; t++) {
                    memcpy(out[t], a, sizeof a);
                    if (op == 0) tables[t]->add(out[t], b, n);
                    if (op == 1) tables[t]->scale(out[t], a, 0.37f, w, n);
                    if (op == 2) tables[t]->scale(out[t], out[t], -1.7f, NULL, n);
                    if (op == 3) tables[t]->rope(out[t], b, n / 2 * 2);
                }
                if (!CHECK_INT(n_different(out[0], out[1], LEN), 0)) return;
            }
            for (int t = 0; t < 2; t++) max[t] = tables[t]->max(a, n, -1.0f);
            CHECK(ft__bits_of(max[0]) == ft__bits_of(max[1]));
        }
    }
}

TEST(kernels, tiles) {
    enum { COLS = 96, BYTES = FT__TILE_TOKENS * COLS / 32 * FT__TILE_TOKEN_BYTES };
    static uint8_t made[2][BYTES];
    begin(32);
    for (int n = 1; n <= FT__TILE_TOKENS; n++) {
        for (int i = 0; i < n * COLS; i++) q[i] = (int8_t)next_random();
        for (int i = 0; i < n * COLS / 32; i++) scales[i] = next_float();
        for (int k = 0; k < n_twins; k++) {
            memset(made, 0, sizeof made);
            ref.tile(q, scales, COLS, n, made[0]);
            twins[k].tile(q, scales, COLS, n, made[1]);
            CHECK(memcmp(made[0], made[1], BYTES) == 0);
        }
    }
}
