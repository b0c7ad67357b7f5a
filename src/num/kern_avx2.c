/* The scalar kernels' twins for AVX2 (with F16C): the same operations in the same order, eight at a time.
   Partial sums, rows, keys or dimensions lie across the lanes, so no order changes.  Functions carry
   their target themselves; the user's compiler needs no flag. */
#include "num.h"

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>

#define FT__AVX2 __attribute__((target("avx2,f16c")))
#define FT__AVX2_INLINE static inline __attribute__((target("avx2,f16c"), always_inline))

FT__AVX2_INLINE __m256 ft__avx2_exp(__m256 x) {
    __m256 keep = _mm256_cmp_ps(x, _mm256_set1_ps(-87.0f), _CMP_GE_OQ);
    x = _mm256_min_ps(x, _mm256_set1_ps(88.0f));
    x = _mm256_max_ps(x, _mm256_set1_ps(-87.0f));
    const __m256 magic = _mm256_set1_ps(12582912.0f);
    __m256 shifted = _mm256_add_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)), magic);
    __m256 n = _mm256_sub_ps(shifted, magic);
    __m256 r = _mm256_sub_ps(x, _mm256_mul_ps(n, _mm256_set1_ps(0.693359375f)));
    r = _mm256_sub_ps(r, _mm256_mul_ps(n, _mm256_set1_ps(-2.12194440e-4f)));
    __m256 p = _mm256_set1_ps(0.0013942160876467824f);
    p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(0.008363775908946991f));
    p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(0.041666362434625626f));
    p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(0.16666573286056519f));
    p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(0.5f));
    p = _mm256_mul_ps(p, _mm256_mul_ps(r, r));
    p = _mm256_add_ps(p, r);
    p = _mm256_add_ps(p, _mm256_set1_ps(1.0f));
    __m256i power = _mm256_sub_epi32(_mm256_castps_si256(shifted), _mm256_set1_epi32(0x4B400000 - 127));
    p = _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32(power, 23)));
    return _mm256_and_ps(p, keep);
}

FT__AVX2_INLINE __m256 ft__avx2_recip(__m256 x) {
    const __m256 two = _mm256_set1_ps(2.0f);
    __m256i guess = _mm256_sub_epi32(_mm256_set1_epi32(0x7EF311C3), _mm256_castps_si256(x));
    __m256 y = _mm256_castsi256_ps(guess);
    for (int i = 0; i < 3; i++) y = _mm256_mul_ps(y, _mm256_sub_ps(two, _mm256_mul_ps(x, y)));
    return y;
}

/* p[0..7] += p[4..], [2..], [1..]: the end of the tree. */
FT__AVX2_INLINE float ft__avx2_tree8(__m256 v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    s = _mm_add_ss(s, _mm_shuffle_ps(s, s, 1));
    return _mm_cvtss_f32(s);
}

FT__AVX2_INLINE float ft__avx2_tree64(const __m256 p[8]) {
    __m256 a = _mm256_add_ps(p[0], p[4]), b = _mm256_add_ps(p[1], p[5]);
    __m256 c = _mm256_add_ps(p[2], p[6]), d = _mm256_add_ps(p[3], p[7]);
    return ft__avx2_tree8(_mm256_add_ps(_mm256_add_ps(a, c), _mm256_add_ps(b, d)));
}

/* 32 floats to int8 with the block's scale; see the scalar twin. */
FT__AVX2 static void ft__quantize_avx2(const float *x, int n, int8_t *q, float *scale) {
    const __m256i abs_mask = _mm256_set1_epi32(0x7FFFFFFF);
    const __m256 magic = _mm256_set1_ps(12582912.0f);
    for (int b = 0; b < n / FT__BLOCK; b++, x += FT__BLOCK, q += FT__BLOCK) {
        __m256 v[4];
        __m256i most = _mm256_setzero_si256(), ints[4];
        for (int i = 0; i < 4; i++) {
            v[i] = _mm256_loadu_ps(x + 8 * i);
            most = _mm256_max_epu32(most, _mm256_and_si256(_mm256_castps_si256(v[i]), abs_mask));
        }
        __m128i m = _mm_max_epu32(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
        m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4E));
        m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0xB1));
        uint32_t bits = (uint32_t)_mm_cvtsi128_si32(m);
        if (bits < 0x0D800000u || bits >= 0x7E800000u) {
            scale[b] = ft__float_of(bits < 0x7E800000u ? 0 : 0x7FC00000u);
            memset(q, 0, FT__BLOCK);
            continue;
        }
        float amax = ft__float_of(bits);
        __m256 to_int = _mm256_set1_ps(127.0f * ft__recipf(amax));
        scale[b] = amax * (1.0f / 127.0f);
        for (int i = 0; i < 4; i++) {
            __m256 shifted = _mm256_add_ps(_mm256_mul_ps(v[i], to_int), magic);
            ints[i] = _mm256_sub_epi32(_mm256_castps_si256(shifted), _mm256_set1_epi32(0x4B400000));
        }
        __m256i lo = _mm256_packs_epi32(ints[0], ints[1]), hi = _mm256_packs_epi32(ints[2], ints[3]);
        __m256i bytes = _mm256_packs_epi16(lo, hi); /* packing works within 128-bit halves */
        bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        _mm256_storeu_si256((__m256i *)(void *)q, bytes);
    }
}

/* Eight weights of a float format. */
FT__AVX2_INLINE __m256 ft__avx2_weights(const uint8_t *row, int i, int format) {
    if (format == FT__FORMAT_F32) return _mm256_loadu_ps((const float *)(const void *)(row + 4 * i));
    __m128i half = _mm_loadu_si128((const __m128i *)(const void *)(row + 2 * i));
    if (format == FT__FORMAT_F16) return _mm256_cvtph_ps(half);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

/* The last n % 64 elements: whole eights go to their register; the rest through a copy with zeros after
   it, which add nothing. */
FT__AVX2_INLINE void ft__avx2_tail(__m256 p[8], const uint8_t *row, const float *x, int from, int n,
                                   int format) {
    int width = format == FT__FORMAT_F32 ? 4 : 2, g = 0;
    for (; from + 8 <= n; from += 8, g++) {
        __m256 product = _mm256_mul_ps(ft__avx2_weights(row, from, format), _mm256_loadu_ps(x + from));
        p[g] = _mm256_add_ps(p[g], product);
    }
    if (from == n) return;
    uint8_t w_rest[32] = {0};
    float x_rest[8] = {0};
    memcpy(w_rest, row + (size_t)from * (size_t)width, (size_t)(n - from) * (size_t)width);
    memcpy(x_rest, x + from, (size_t)(n - from) * sizeof *x);
    __m256 product = _mm256_mul_ps(ft__avx2_weights(w_rest, 0, format), _mm256_loadu_ps(x_rest));
    p[g] = _mm256_add_ps(p[g], product);
}

FT__AVX2_INLINE float ft__avx2_dot(const uint8_t *row, const float *x, int n, int format) {
    __m256 p[8];
    for (int g = 0; g < 8; g++) p[g] = _mm256_setzero_ps();
    int i = 0;
    for (; i + FT__PARTIALS <= n; i += FT__PARTIALS) {
        for (int g = 0; g < 8; g++) {
            __m256 w = ft__avx2_weights(row, i + 8 * g, format);
            p[g] = _mm256_add_ps(p[g], _mm256_mul_ps(w, _mm256_loadu_ps(x + i + 8 * g)));
        }
    }
    if (i < n) ft__avx2_tail(p, row, x, i, n, format);
    return ft__avx2_tree64(p);
}

FT__AVX2 static float ft__sum_squares_avx2(const float *x, int n) {
    return ft__avx2_dot((const uint8_t *)x, x, n, FT__FORMAT_F32);
}

FT__AVX2_INLINE void ft__avx2_rows_float(const uint8_t *w, size_t row_bytes, int n_rows,
                                         const ft__acts *a, float *out, size_t ld, int format) {
    for (int r = 0; r < n_rows; r++, w += row_bytes)
        for (int t = 0; t < a->n_tokens; t++)
            out[(size_t)t * ld + (size_t)r] =
                ft__avx2_dot(w, a->x + (size_t)t * (size_t)a->n_cols, a->n_cols, format);
}

FT__AVX2 static void ft__rows_f32_avx2(const uint8_t *w, size_t row_bytes, int n_rows,
                                       const ft__acts *a, float *out, size_t ld) {
    ft__avx2_rows_float(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_F32);
}

FT__AVX2 static void ft__rows_f16_avx2(const uint8_t *w, size_t row_bytes, int n_rows,
                                       const ft__acts *a, float *out, size_t ld) {
    ft__avx2_rows_float(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_F16);
}

FT__AVX2 static void ft__rows_bf16_avx2(const uint8_t *w, size_t row_bytes, int n_rows,
                                        const ft__acts *a, float *out, size_t ld) {
    ft__avx2_rows_float(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_BF16);
}

/* Block b of a row: 32 signed codes, what their pairwise sums are multiplied by (an integer scale per 16
   codes, or 1), and the bits of the F16 scale. */
FT__AVX2_INLINE __m256i ft__avx2_block(const uint8_t *row, int b, __m256i *factor, uint16_t *half,
                                       int format) {
    const uint8_t *block = row + (size_t)b * (format == FT__FORMAT_Q8_0 ? 34 : 18);
    if (format == FT__FORMAT_Q6_K) block = row + (size_t)(b / 8) * 210;
    memcpy(half, block + (format == FT__FORMAT_Q6_K ? 208 : 0), 2);
    *factor = _mm256_set1_epi16(1);
    if (format == FT__FORMAT_Q8_0) return _mm256_loadu_si256((const __m256i *)(const void *)(block + 2));
    if (format == FT__FORMAT_Q4_0) {
        __m128i packed = _mm_loadu_si128((const __m128i *)(const void *)(block + 2));
        __m128i high = _mm_srli_epi16(packed, 4);
        __m256i nibbles = _mm256_inserti128_si256(_mm256_castsi128_si256(packed), high, 1);
        nibbles = _mm256_and_si256(nibbles, _mm256_set1_epi8(15));
        return _mm256_sub_epi8(nibbles, _mm256_set1_epi8(8));
    }
    int sub = b % 8, quarter = sub % 4;
    const uint8_t *ql = block + 64 * (sub / 4) + 32 * (quarter % 2), *qh = block + 128 + 32 * (sub / 4);
    const int8_t *scales = (const int8_t *)block + 192 + 2 * sub;
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)ql);
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)qh);
    low = _mm256_srl_epi16(low, _mm_cvtsi32_si128(quarter < 2 ? 0 : 4));
    high = _mm256_srl_epi16(high, _mm_cvtsi32_si128(2 * quarter));
    high = _mm256_slli_epi16(_mm256_and_si256(high, _mm256_set1_epi8(3)), 4);
    low = _mm256_or_si256(_mm256_and_si256(low, _mm256_set1_epi8(15)), high);
    *factor = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_set1_epi16(scales[0])),
                                      _mm_set1_epi16(scales[1]), 1);
    return _mm256_sub_epi8(low, _mm256_set1_epi8(32));
}

/* The sums of eight vectors of eight integers, in lanes 0..7. */
FT__AVX2_INLINE __m256i ft__avx2_sums(const __m256i v[8]) {
    __m256i a = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
    __m256i b = _mm256_hadd_epi32(_mm256_hadd_epi32(v[4], v[5]), _mm256_hadd_epi32(v[6], v[7]));
    return _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
}

/* Eight rows and up to four tokens at a time.  The products are |code| * (sign(code) * q): 128 * 127 * 2
   fits the 16-bit sums, which therefore never saturate. */
FT__AVX2_INLINE void ft__avx2_blocks(const uint8_t *const rows[8], const ft__acts *a, int t0, int n_t,
                                     float out[4][8], int format) {
    const int n_blocks = a->n_cols / FT__BLOCK, chunk = FT__CHUNK / FT__BLOCK;
    __m256 acc[4], total[4];
    for (int t = 0; t < 4; t++) acc[t] = total[t] = _mm256_setzero_ps();
    for (int b = 0; b < n_blocks; b++) {
        __m256i code[8], size[8], factor[8];
        uint16_t half[8];
        for (int r = 0; r < 8; r++) {
            code[r] = ft__avx2_block(rows[r], b, &factor[r], &half[r], format);
            size[r] = _mm256_abs_epi8(code[r]);
        }
        __m256 ws = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)half));
        for (int t = 0; t < n_t; t++) {
            const int8_t *q = a->q + (size_t)(t0 + t) * (size_t)a->n_cols + b * FT__BLOCK;
            __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)q), dot[8];
            for (int r = 0; r < 8; r++) {
                __m256i pairs = _mm256_maddubs_epi16(size[r], _mm256_sign_epi8(x, code[r]));
                dot[r] = _mm256_madd_epi16(pairs, factor[r]);
            }
            __m256 xs = _mm256_set1_ps(a->scale[(size_t)(t0 + t) * (size_t)n_blocks + (size_t)b]);
            __m256 isum = _mm256_cvtepi32_ps(ft__avx2_sums(dot));
            acc[t] = _mm256_add_ps(acc[t], _mm256_mul_ps(_mm256_mul_ps(ws, xs), isum));
            if (b % chunk == chunk - 1 || b == n_blocks - 1) {
                total[t] = _mm256_add_ps(total[t], acc[t]);
                acc[t] = _mm256_setzero_ps();
            }
        }
    }
    for (int t = 0; t < n_t; t++) _mm256_storeu_ps(out[t], total[t]);
}

FT__AVX2_INLINE void ft__avx2_rows_blocks(const uint8_t *w, size_t row_bytes, int n_rows,
                                          const ft__acts *a, float *out, size_t ld, int format) {
    for (int r = 0; r < n_rows; r += 8) {
        int n_r = n_rows - r < 8 ? n_rows - r : 8;
        const uint8_t *rows[8];
        float sums[4][8];
        for (int i = 0; i < 8; i++) rows[i] = w + (size_t)(r + (i < n_r ? i : 0)) * row_bytes;
        for (int t = 0; t < a->n_tokens; t += 4) {
            int n_t = a->n_tokens - t < 4 ? a->n_tokens - t : 4;
            ft__avx2_blocks(rows, a, t, n_t, sums, format);
            for (int i = 0; i < n_t; i++)
                memcpy(out + (size_t)(t + i) * ld + (size_t)r, sums[i], (size_t)n_r * sizeof(float));
        }
    }
}

FT__AVX2 static void ft__rows_q8_0_avx2(const uint8_t *w, size_t row_bytes, int n_rows,
                                        const ft__acts *a, float *out, size_t ld) {
    ft__avx2_rows_blocks(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_Q8_0);
}

FT__AVX2 static void ft__rows_q4_0_avx2(const uint8_t *w, size_t row_bytes, int n_rows,
                                        const ft__acts *a, float *out, size_t ld) {
    ft__avx2_rows_blocks(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_Q4_0);
}

FT__AVX2 static void ft__rows_q6_k_avx2(const uint8_t *w, size_t row_bytes, int n_rows,
                                        const ft__acts *a, float *out, size_t ld) {
    ft__avx2_rows_blocks(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_Q6_K);
}

/* Keys across lanes: 64 keys are eight registers, each an independent chain over d. */
FT__AVX2_INLINE void ft__avx2_scores(const float *q, const void *keys, int head_dim, float scale,
                                     float s[64], int format) {
    const uint8_t *k = (const uint8_t *)keys;
    __m256 sum[8];
    for (int g = 0; g < 8; g++) sum[g] = _mm256_setzero_ps();
    for (int d = 0; d < head_dim; d++) {
        __m256 qd = _mm256_set1_ps(q[d]);
        for (int g = 0; g < 8; g++) {
            __m256 kd = ft__avx2_weights(k, d * FT__TILE + 8 * g, format);
            sum[g] = _mm256_add_ps(sum[g], _mm256_mul_ps(qd, kd));
        }
    }
    for (int g = 0; g < 8; g++) _mm256_storeu_ps(s + 8 * g, _mm256_mul_ps(sum[g], _mm256_set1_ps(scale)));
}

FT__AVX2 static void ft__scores_f32_avx2(const float *q, const void *k, int head_dim, float scale,
                                         float s[64]) {
    ft__avx2_scores(q, k, head_dim, scale, s, FT__FORMAT_F32);
}

FT__AVX2 static void ft__scores_f16_avx2(const float *q, const void *k, int head_dim, float scale,
                                         float s[64]) {
    ft__avx2_scores(q, k, head_dim, scale, s, FT__FORMAT_F16);
}

FT__AVX2 static float ft__softmax_avx2(float s[64], int lo, int hi, float max) {
    __m256 p[8];
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (int g = 0; g < 8; g++) {
        __m256i j = _mm256_add_epi32(lanes, _mm256_set1_epi32(8 * g));
        __m256i seen = _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(lo), j),
                                           _mm256_cmpgt_epi32(_mm256_set1_epi32(hi), j));
        p[g] = ft__avx2_exp(_mm256_sub_ps(_mm256_loadu_ps(s + 8 * g), _mm256_set1_ps(max)));
        p[g] = _mm256_and_ps(p[g], _mm256_castsi256_ps(seen));
        _mm256_storeu_ps(s + 8 * g, p[g]);
    }
    return ft__avx2_tree64(p);
}

/* Dimensions across lanes, 32 and then 8 of them at a time held in registers over all keys. */
FT__AVX2_INLINE void ft__avx2_values(float *o, const float *p, const void *values, int lo, int hi,
                                     int head_dim, int format) {
    const uint8_t *v = (const uint8_t *)values;
    int d = 0;
    for (int step; (step = head_dim - d >= 32 ? 4 : 1), d + 8 * step <= head_dim; d += 8 * step) {
        __m256 sum[4];
        for (int g = 0; g < step; g++) sum[g] = _mm256_loadu_ps(o + d + 8 * g);
        for (int j = lo; j < hi; j++) {
            __m256 weight = _mm256_set1_ps(p[j]);
            for (int g = 0; g < step; g++) {
                __m256 x = ft__avx2_weights(v, j * head_dim + d + 8 * g, format);
                sum[g] = _mm256_add_ps(sum[g], _mm256_mul_ps(weight, x));
            }
        }
        for (int g = 0; g < step; g++) _mm256_storeu_ps(o + d + 8 * g, sum[g]);
    }
    for (; d < head_dim; d++) {
        for (int j = lo; j < hi; j++) {
            float f;
            uint16_t half;
            size_t at = (size_t)(j * head_dim + d);
            if (format == FT__FORMAT_F32) memcpy(&f, v + 4 * at, 4);
            else memcpy(&half, v + 2 * at, 2), f = ft__f16_to_f32(half);
            o[d] = o[d] + p[j] * f;
        }
    }
}

FT__AVX2 static void ft__values_f32_avx2(float *o, const float *p, const void *v, int lo, int hi,
                                         int head_dim) {
    ft__avx2_values(o, p, v, lo, hi, head_dim, FT__FORMAT_F32);
}

FT__AVX2 static void ft__values_f16_avx2(float *o, const float *p, const void *v, int lo, int hi,
                                         int head_dim) {
    ft__avx2_values(o, p, v, lo, hi, head_dim, FT__FORMAT_F16);
}

FT__AVX2_INLINE __m256 ft__avx2_silu_mul(__m256 gate, __m256 up) {
    __m256 negative = _mm256_sub_ps(_mm256_setzero_ps(), gate);
    negative = _mm256_min_ps(negative, _mm256_set1_ps(80.0f));
    __m256 below = _mm256_add_ps(_mm256_set1_ps(1.0f), ft__avx2_exp(negative));
    return _mm256_mul_ps(_mm256_mul_ps(gate, ft__avx2_recip(below)), up);
}

FT__AVX2 static void ft__silu_mul_avx2(float *gate, const float *up, int n) {
    int i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 result = ft__avx2_silu_mul(_mm256_loadu_ps(gate + i), _mm256_loadu_ps(up + i));
        _mm256_storeu_ps(gate + i, result);
    }
    if (i == n) return;
    float g[8] = {0}, u[8] = {0};
    size_t rest = (size_t)(n - i) * sizeof *g;
    memcpy(g, gate + i, rest);
    memcpy(u, up + i, rest);
    _mm256_storeu_ps(g, ft__avx2_silu_mul(_mm256_loadu_ps(g), _mm256_loadu_ps(u)));
    memcpy(gate + i, g, rest);
}

FT__PRIV void ft__kernels_avx2(ft__kernels *k) {
    k->rows[FT__FORMAT_F32] = ft__rows_f32_avx2;
    k->rows[FT__FORMAT_F16] = ft__rows_f16_avx2;
    k->rows[FT__FORMAT_BF16] = ft__rows_bf16_avx2;
    k->rows[FT__FORMAT_Q8_0] = ft__rows_q8_0_avx2;
    k->rows[FT__FORMAT_Q4_0] = ft__rows_q4_0_avx2;
    k->rows[FT__FORMAT_Q6_K] = ft__rows_q6_k_avx2;
    k->quantize = ft__quantize_avx2;
    k->sum_squares = ft__sum_squares_avx2;
    k->scores_f32 = ft__scores_f32_avx2;
    k->scores_f16 = ft__scores_f16_avx2;
    k->softmax = ft__softmax_avx2;
    k->values_f32 = ft__values_f32_avx2;
    k->values_f16 = ft__values_f16_avx2;
    k->silu_mul = ft__silu_mul_avx2;
}

#undef FT__AVX2
#undef FT__AVX2_INLINE
#else
FT__PRIV void ft__kernels_avx2(ft__kernels *k) { (void)k; }
#endif
