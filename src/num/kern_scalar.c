/* The reference kernels: the arithmetic contract (see the manual in ft.h) in plain C, one operation at a
   time.  Every other instruction set repeats these functions bit for bit, and the tests compare. */
#include "num.h"

#define FT__SCALAR_MAGIC 12582912.0f /* 1.5 * 2^23: adding it rounds to an integer, half to even */

static uint32_t ft__scalar_amax_bits(const float *x) {
    uint32_t most = 0; /* compared as integers, so that a NaN counts as the largest */
    for (int i = 0; i < FT__BLOCK; i++) {
        uint32_t bits = ft__bits_of(x[i]) & 0x7FFFFFFFu;
        if (bits > most) most = bits;
    }
    return most;
}

/* Blocks below 2^-100 count as zero; one that reaches 2^126, an infinity or a NaN gets a NaN scale, which
   shows in the logits and is reported there. */
static void ft__quantize_scalar(const float *x, int n, int8_t *q, float *scale) {
    for (int b = 0; b < n / FT__BLOCK; b++, x += FT__BLOCK, q += FT__BLOCK) {
        uint32_t bits = ft__scalar_amax_bits(x);
        bool plain = bits >= 0x0D800000u && bits < 0x7E800000u;
        float amax = ft__float_of(bits), to_int = plain ? 127.0f * ft__recipf(amax) : 0.0f;
        scale[b] = plain ? amax * (1.0f / 127.0f) : ft__float_of(bits < 0x7E800000u ? 0 : 0x7FC00000u);
        for (int i = 0; i < FT__BLOCK; i++) {
            float shifted = (plain ? x[i] : 0.0f) * to_int + FT__SCALAR_MAGIC;
            q[i] = (int8_t)((int32_t)ft__bits_of(shifted) - 0x4B400000);
        }
    }
}

static void ft__tile_scalar(const int8_t *q, const float *scale, int n_cols, int n, uint8_t *tile) {
    const int n_blocks = n_cols / FT__BLOCK;
    for (int b = 0; b < n_blocks; b++, tile += n * FT__TILE_TOKEN_BYTES) {
        int32_t *words = (int32_t *)(void *)tile, *start = words + 10 * n;
        float *floats = (float *)(void *)(words + 8 * n);
        for (int t = 0; t < n; t++) {
            const int8_t *from = q + (size_t)t * (size_t)n_cols + b * FT__BLOCK;
            int32_t low = 0, high = 0;
            for (int k = 0; k < 8; k++) memcpy(&words[k * n + t], from + 4 * k, 4);
            for (int i = 0; i < 16; i++) low += from[i], high += from[i + 16];
            floats[t] = scale[(size_t)t * (size_t)n_blocks + (size_t)b];
            floats[n + t] = (float)(low + high);
            start[t] = -8 * (low + high);
            start[n + t] = -8 * low;
            start[2 * n + t] = -8 * high;
        }
    }
}

static void ft__add_scalar(float *x, const float *y, int n) {
    for (int i = 0; i < n; i++) x[i] = x[i] + y[i];
}

static void ft__scale_scalar(float *out, const float *x, float factor, const float *weight, int n) {
    for (int i = 0; i < n; i++) out[i] = weight ? (x[i] * factor) * weight[i] : x[i] * factor;
}

/* "+ b * -s" is the same number; where it says "- b * s", gcc 12 fuses the two lines (vfmaddsub) against all
   orders. */
static void ft__rope_scalar(float *x, const float *cs, int n) {
    for (int i = 0; i < n; i += 2) {
        float a = x[i], b = x[i + 1], c = cs[i], s = cs[i + 1];
        x[i] = a * c + b * -s;
        x[i + 1] = a * s + b * c;
    }
}

static float ft__max_scalar(const float *x, int n, float max) {
    for (int i = 0; i < n; i++) max = x[i] > max ? x[i] : max;
    return max;
}

/* 64 -> 32 -> ... -> 1 */
static float ft__scalar_tree(float p[FT__PARTIALS]) {
    for (int half = FT__PARTIALS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) p[i] = p[i] + p[i + half];
    return p[0];
}

static float ft__sum_squares_scalar(const float *x, int n) {
    float p[FT__PARTIALS] = {0};
    for (int i = 0; i < n; i++) p[i % FT__PARTIALS] = p[i % FT__PARTIALS] + x[i] * x[i];
    return ft__scalar_tree(p);
}

/* One weight of a float format. */
static float ft__scalar_weight(const uint8_t *row, int i, int format) {
    uint16_t half;
    float f;
    if (format == FT__FORMAT_F32) {
        memcpy(&f, row + 4 * (size_t)i, 4);
        return f;
    }
    memcpy(&half, row + 2 * (size_t)i, 2);
    return format == FT__FORMAT_F16 ? ft__f16_to_f32(half) : ft__bf16_to_f32(half);
}

static void ft__scalar_rows_float(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                  float *out, size_t ld, int format) {
    for (int r = 0; r < n_rows; r++, w += row_bytes) {
        for (int t = 0; t < a->n_tokens; t++) {
            const float *x = a->x + (size_t)t * (size_t)a->n_cols;
            float p[FT__PARTIALS] = {0};
            for (int i = 0; i < a->n_cols; i++) {
                float product = ft__scalar_weight(w, i, format) * x[i];
                p[i % FT__PARTIALS] = p[i % FT__PARTIALS] + product;
            }
            out[(size_t)t * ld + (size_t)r] = ft__scalar_tree(p);
        }
    }
}

static void ft__rows_f32_scalar(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                float *out, size_t ld) {
    ft__scalar_rows_float(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_F32);
}

static void ft__rows_f16_scalar(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                float *out, size_t ld) {
    ft__scalar_rows_float(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_F16);
}

static void ft__rows_bf16_scalar(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                 float *out, size_t ld) {
    ft__scalar_rows_float(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_BF16);
}

/* Exact integer dot of 32 weights, block b of a row, with 32 activations; *scale is the weights' own, and
   *min their minimum's where the format has one. */
typedef int32_t ft__scalar_dot_fn(const uint8_t *row, int b, const int8_t *q, float *scale, float *min);

static float ft__scalar_f16(const uint8_t *p) { return ft__f16_to_f32((uint16_t)(p[0] | p[1] << 8)); }

static int32_t ft__scalar_dot_q8_0(const uint8_t *row, int b, const int8_t *q, float *scale, float *min) {
    (void)min;
    const uint8_t *block = row + (size_t)b * 34;
    int32_t sum = 0;
    const int8_t *codes = (const int8_t *)block + 2; /* gcc 12 takes a cast of each byte for unsigned */
    *scale = ft__scalar_f16(block);
    for (int i = 0; i < FT__BLOCK; i++) sum += codes[i] * q[i];
    return sum;
}

static int32_t ft__scalar_dot_q4_0(const uint8_t *row, int b, const int8_t *q, float *scale, float *min) {
    (void)min;
    const uint8_t *block = row + (size_t)b * 18;
    int32_t sum = 0;
    *scale = ft__scalar_f16(block);
    for (int i = 0; i < 16; i++)
        sum += ((block[2 + i] & 15) - 8) * q[i] + ((block[2 + i] >> 4) - 8) * q[i + 16];
    return sum;
}

/* Eight blocks of 32 share a superblock; each 16 weights have an integer scale, which is exact too. */
static int32_t ft__scalar_dot_q6_k(const uint8_t *row, int b, const int8_t *q, float *scale, float *min) {
    (void)min;
    const uint8_t *block = row + (size_t)(b / 8) * 210;
    int sub = b % 8, quarter = sub % 4;
    const uint8_t *low = block + 64 * (sub / 4) + 32 * (quarter % 2);
    const uint8_t *high = block + 128 + 32 * (sub / 4);
    const int8_t *scales = (const int8_t *)block + 192 + 2 * sub;
    int32_t sum[2] = {0, 0};
    for (int i = 0; i < FT__BLOCK; i++) {
        int code = (low[i] >> (quarter < 2 ? 0 : 4) & 15) | (high[i] >> (2 * quarter) & 3) << 4;
        sum[i / 16] += (code - 32) * q[i];
    }
    *scale = ft__scalar_f16(block + 208);
    return scales[0] * sum[0] + scales[1] * sum[1];
}

/* Q4_K adds minimums: the product is (ws xs) isum - (wm xs) sum(q). */
static int32_t ft__scalar_dot_q4_k(const uint8_t *row, int b, const int8_t *q, float *scale, float *min) {
    const uint8_t *block = row + (size_t)(b / 8) * 144, *s = block + 4;
    const int i = b % 8;
    const uint8_t *codes = block + 16 + 32 * (i / 2);
    int sc = i < 4 ? s[i] & 63 : (s[i + 4] & 15) | (s[i - 4] >> 6) << 4;
    int mn = i < 4 ? s[i + 4] & 63 : s[i + 4] >> 4 | (s[i] >> 6) << 4;
    int32_t sum = 0;
    for (int j = 0; j < FT__BLOCK; j++) sum += (i % 2 ? codes[j] >> 4 : codes[j] & 15) * q[j];
    *scale = ft__scalar_f16(block) * (float)sc;
    *min = ft__scalar_f16(block + 2) * (float)mn;
    return sum;
}

static int32_t ft__scalar_sum(const int8_t *q) {
    int32_t sum = 0;
    for (int i = 0; i < FT__BLOCK; i++) sum += q[i];
    return sum;
}

/* The loop of all block formats. */
static void ft__scalar_rows_blocks(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                   float *out, size_t ld, ft__scalar_dot_fn *dot, bool with_min) {
    const int n_blocks = a->n_cols / FT__BLOCK, chunk = FT__CHUNK / FT__BLOCK;
    for (int r = 0; r < n_rows; r++, w += row_bytes) {
        for (int t = 0; t < a->n_tokens; t++) {
            const int8_t *q = a->q + (size_t)t * (size_t)a->n_cols;
            const float *xs = a->scale + (size_t)t * (size_t)n_blocks;
            float total = 0, acc = 0, ws, wm = 0;
            for (int b = 0; b < n_blocks; b++) {
                int32_t isum = dot(w, b, q + b * FT__BLOCK, &ws, &wm);
                acc = acc + (ws * xs[b]) * (float)isum;
                if (with_min) acc = acc - (wm * xs[b]) * (float)ft__scalar_sum(q + b * FT__BLOCK);
                if (b % chunk == chunk - 1 || b == n_blocks - 1) {
                    total = total + acc;
                    acc = 0;
                }
            }
            out[(size_t)t * ld + (size_t)r] = total;
        }
    }
}

static void ft__rows_q8_0_scalar(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                 float *out, size_t ld) {
    ft__scalar_rows_blocks(w, row_bytes, n_rows, a, out, ld, ft__scalar_dot_q8_0, false);
}

static void ft__rows_q4_0_scalar(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                 float *out, size_t ld) {
    ft__scalar_rows_blocks(w, row_bytes, n_rows, a, out, ld, ft__scalar_dot_q4_0, false);
}

static void ft__rows_q4_k_scalar(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                 float *out, size_t ld) {
    ft__scalar_rows_blocks(w, row_bytes, n_rows, a, out, ld, ft__scalar_dot_q4_k, true);
}

static void ft__rows_q6_k_scalar(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                 float *out, size_t ld) {
    ft__scalar_rows_blocks(w, row_bytes, n_rows, a, out, ld, ft__scalar_dot_q6_k, false);
}

/* All other block formats, read by unpack.c: a block is unpacked once for a few tokens.  Integer factors come
   before the sum turns into a float; a format whose halves have float scales adds each half by itself. */
enum { FT__SCALAR_TOKENS = 8 };

static float ft__scalar_add_unpacked(float acc, const ft__unpacked *u, float xs, const int8_t *q, int layout) {
    int32_t sum[2] = {0, 0}, x_sum[2] = {0, 0};
    for (int i = 0; i < 16; i++) {
        sum[0] += u->code[i] * q[i];
        sum[1] += u->code[i + 16] * q[i + 16];
    }
    if (layout == FT__WIDE_HALVES) {
        acc = acc + (u->scale[0] * xs) * (float)sum[0];
        return acc + (u->scale[1] * xs) * (float)sum[1];
    }
    acc = acc + (u->scale[0] * xs) * (float)(u->factor[0] * sum[0] + u->factor[1] * sum[1]);
    if (layout != FT__WIDE_MIN) return acc;
    for (int i = 0; i < 16; i++) x_sum[0] += q[i], x_sum[1] += q[i + 16];
    return acc - (u->min * xs) * (float)(u->min_factor[0] * x_sum[0] + u->min_factor[1] * x_sum[1]);
}

/* One row times n tokens, at most 8. */
static void ft__scalar_row_unpacked(const ft__format *format, const uint8_t *row, const int8_t *q, const float *xs,
                                    int n_cols, int n, float *out, size_t ld) {
    const int n_blocks = n_cols / FT__BLOCK, chunk = FT__CHUNK / FT__BLOCK;
    float total[FT__SCALAR_TOKENS] = {0}, acc[FT__SCALAR_TOKENS] = {0};
    for (int b = 0; b < n_blocks; b++, q += FT__BLOCK, xs++) {
        ft__unpacked u;
        format->unpack(row, b, &u);
        for (int t = 0; t < n; t++) {
            const int8_t *from = q + (size_t)t * (size_t)n_cols;
            acc[t] = ft__scalar_add_unpacked(acc[t], &u, xs[(size_t)t * (size_t)n_blocks], from, format->layout);
            if (b % chunk != chunk - 1 && b != n_blocks - 1) continue;
            total[t] = total[t] + acc[t];
            acc[t] = 0;
        }
    }
    for (int t = 0; t < n; t++) out[(size_t)t * ld] = total[t];
}

static void ft__scalar_rows_unpacked(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                     float *out, size_t ld, uint32_t id) {
    const ft__format *format = ft__format_find(id);
    for (int r = 0; r < n_rows; r++, w += row_bytes) {
        for (int t = 0; t < a->n_tokens; t += FT__SCALAR_TOKENS) {
            const size_t at = (size_t)t * (size_t)a->n_cols;
            const int n = a->n_tokens - t < FT__SCALAR_TOKENS ? a->n_tokens - t : (int)FT__SCALAR_TOKENS;
            ft__scalar_row_unpacked(format, w, a->q + at, a->scale + at / FT__BLOCK, a->n_cols, n,
                                    out + (size_t)t * ld + r, ld);
        }
    }
}

#define FT__SCALAR_UNPACKED(name, id)                                                                        \
    static void ft__rows_##name##_scalar(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,  \
                                         float *out, size_t ld) {                                            \
        ft__scalar_rows_unpacked(w, row_bytes, n_rows, a, out, ld, id);                                      \
    }
FT__UNPACKED(FT__SCALAR_UNPACKED)
#undef FT__SCALAR_UNPACKED

/* The tree over the rank for every output by itself. */
static void ft__low_rank_scalar(const float *b, int rank, int n_out, const float *low, int n_tokens,
                                float factor, float *out, size_t ld) {
    for (int t = 0; t < n_tokens; t++) {
        for (int r = 0; r < n_out; r++) {
            float p[FT__PARTIALS] = {0}, *to = &out[(size_t)t * ld + (size_t)r];
            for (int k = 0; k < rank; k++) {
                float product = b[(size_t)k * (size_t)n_out + (size_t)r] * low[t * rank + k];
                p[k % FT__PARTIALS] = p[k % FT__PARTIALS] + product;
            }
            *to = *to + factor * ft__scalar_tree(p);
        }
    }
}

static void ft__scores_scalar(const float *q, int n_q, const float *k, int head_dim, float scale, float *s) {
    for (int h = 0; h < n_q; h++, q += head_dim, s += FT__TILE) {
        for (int j = 0; j < FT__TILE; j++) {
            float sum = 0;
            for (int d = 0; d < head_dim; d++) sum = sum + q[d] * k[d * FT__TILE + j];
            s[j] = sum * scale;
        }
    }
}

static float ft__softmax_scalar(float s[64], int lo, int hi, float max) {
    float p[FT__PARTIALS];
    for (int j = 0; j < FT__TILE; j++) s[j] = p[j] = j >= lo && j < hi ? ft__expf(s[j] - max) : 0.0f;
    return ft__scalar_tree(p);
}

static void ft__values_scalar(float *o, int n_q, const float *p, const float *v, int lo, int hi,
                              int head_dim) {
    for (int h = 0; h < n_q; h++, o += head_dim, p += FT__TILE)
        for (int j = lo; j < hi; j++)
            for (int d = 0; d < head_dim; d++) o[d] = o[d] + p[j] * v[j * head_dim + d];
}

static void ft__widen_scalar(const uint16_t *half, float *out, int n) {
    for (int i = 0; i < n; i++) out[i] = ft__f16_to_f32(half[i]);
}

/* silu(g) = g / (1 + exp(-g)); the exponent stops at 80, so that the reciprocal stays normal. */
static void ft__silu_mul_scalar(float *gate, const float *up, int n) {
    for (int i = 0; i < n; i++) {
        float negative = 0.0f - gate[i];
        negative = negative < 80.0f ? negative : 80.0f;
        gate[i] = (gate[i] * ft__recipf(1.0f + ft__expf(negative))) * up[i];
    }
}

FT__PRIV void ft__kernels_scalar(ft__kernels *k) {
    k->rows[FT__FORMAT_F32] = ft__rows_f32_scalar;
    k->rows[FT__FORMAT_F16] = ft__rows_f16_scalar;
    k->rows[FT__FORMAT_BF16] = ft__rows_bf16_scalar;
    k->rows[FT__FORMAT_Q8_0] = ft__rows_q8_0_scalar;
    k->rows[FT__FORMAT_Q4_0] = ft__rows_q4_0_scalar;
    k->rows[FT__FORMAT_Q4_K] = ft__rows_q4_k_scalar;
    k->rows[FT__FORMAT_Q6_K] = ft__rows_q6_k_scalar;
#define FT__SCALAR_UNPACKED(name, id) k->rows[id] = ft__rows_##name##_scalar;
    FT__UNPACKED(FT__SCALAR_UNPACKED)
#undef FT__SCALAR_UNPACKED
    k->quantize = ft__quantize_scalar;
    k->tile = ft__tile_scalar;
    k->sum_squares = ft__sum_squares_scalar;
    k->add = ft__add_scalar;
    k->scale = ft__scale_scalar;
    k->rope = ft__rope_scalar;
    k->max = ft__max_scalar;
    k->low_rank = ft__low_rank_scalar;
    k->scores = ft__scores_scalar;
    k->softmax = ft__softmax_scalar;
    k->values = ft__values_scalar;
    k->widen = ft__widen_scalar;
    k->silu_mul = ft__silu_mul_scalar;
}
