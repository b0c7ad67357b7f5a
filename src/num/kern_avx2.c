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

/* The sum of 16 int8 in each half of v: as bytes above -128, which `psadbw` adds by eights. */
FT__AVX2_INLINE void ft__avx2_half_sums(__m256i v, int32_t *low, int32_t *high) {
    v = _mm256_sad_epu8(_mm256_xor_si256(v, _mm256_set1_epi8((char)0x80)), _mm256_setzero_si256());
    __m128i a = _mm256_castsi256_si128(v), b = _mm256_extracti128_si256(v, 1);
    *low = _mm_cvtsi128_si32(a) + _mm_extract_epi32(a, 2) - 16 * 128;
    *high = _mm_cvtsi128_si32(b) + _mm_extract_epi32(b, 2) - 16 * 128;
}

FT__AVX2 static void ft__tile_avx2(const int8_t *q, const float *scale, int n_cols, int n, uint8_t *tile) {
    const int n_blocks = n_cols / FT__BLOCK;
    for (int b = 0; b < n_blocks; b++, tile += n * FT__TILE_TOKEN_BYTES) {
        int32_t *words = (int32_t *)(void *)tile, *start = words + 10 * n;
        float *floats = (float *)(void *)(words + 8 * n);
        for (int t = 0; t < n; t++) {
            const int8_t *from = q + (size_t)t * (size_t)n_cols + b * FT__BLOCK;
            int32_t low, high;
            ft__avx2_half_sums(_mm256_loadu_si256((const __m256i *)(const void *)from), &low, &high);
            for (int k = 0; k < 8; k++) memcpy(&words[k * n + t], from + 4 * k, 4);
            floats[t] = scale[(size_t)t * (size_t)n_blocks + (size_t)b];
            floats[n + t] = (float)(low + high);
            start[t] = -8 * (low + high);
            start[n + t] = -8 * low;
            start[2 * n + t] = -8 * high;
        }
    }
}

FT__AVX2 static void ft__add_avx2(float *x, const float *y, int n) {
    int i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(x + i, _mm256_add_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i)));
    for (; i < n; i++) x[i] = x[i] + y[i];
}

FT__AVX2 static void ft__scale_avx2(float *out, const float *x, float factor, const float *weight, int n) {
    int i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(x + i), _mm256_set1_ps(factor));
        _mm256_storeu_ps(out + i, weight ? _mm256_mul_ps(scaled, _mm256_loadu_ps(weight + i)) : scaled);
    }
    for (; i < n; i++) out[i] = weight ? (x[i] * factor) * weight[i] : x[i] * factor;
}

/* (a, b) (c, s) -> (a c + b -s, b c + a s) */
FT__AVX2 static void ft__rope_avx2(float *x, const float *cs, int n) {
    const __m256 signs = _mm256_setr_ps(-0.0f, 0, -0.0f, 0, -0.0f, 0, -0.0f, 0);
    int i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 v = _mm256_loadu_ps(x + i), turn = _mm256_loadu_ps(cs + i);
        __m256 s = _mm256_xor_ps(_mm256_movehdup_ps(turn), signs), swapped = _mm256_permute_ps(v, 0xB1);
        __m256 sum = _mm256_add_ps(_mm256_mul_ps(v, _mm256_moveldup_ps(turn)), _mm256_mul_ps(swapped, s));
        _mm256_storeu_ps(x + i, sum);
    }
    for (; i < n; i += 2) {
        float a = x[i], b = x[i + 1], c = cs[i], s = cs[i + 1];
        x[i] = a * c + b * -s;
        x[i + 1] = a * s + b * c;
    }
}

FT__AVX2 static float ft__max_avx2(const float *x, int n, float max) {
    float lanes[8];
    int i = 0;
    if (n >= 8) {
        __m256 most = _mm256_set1_ps(max);
        for (; i + 8 <= n; i += 8) most = _mm256_max_ps(_mm256_loadu_ps(x + i), most);
        _mm256_storeu_ps(lanes, most);
        for (int k = 0; k < 8; k++) max = lanes[k] > max ? lanes[k] : max;
    }
    for (; i < n; i++) max = x[i] > max ? x[i] : max;
    return max;
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
   codes, or 1), the weights' scale, and the minimum where the format has one. */
FT__AVX2_INLINE __m256i ft__avx2_block(const uint8_t *row, int b, __m256i *factor, float *scale,
                                       float *min, int format) {
    const int sub = b % 8, quarter = sub % 4;
    const uint8_t *block = row + (size_t)b * (format == FT__FORMAT_Q8_0 ? 34 : 18);
    if (format == FT__FORMAT_Q4_K) block = row + (size_t)(b / 8) * 144;
    if (format == FT__FORMAT_Q6_K) block = row + (size_t)(b / 8) * 210;
    uint16_t half;
    memcpy(&half, block + (format == FT__FORMAT_Q6_K ? 208 : 0), 2);
    *scale = _cvtsh_ss(half);
    *factor = _mm256_set1_epi16(1);
    if (format == FT__FORMAT_Q8_0) return _mm256_loadu_si256((const __m256i *)(const void *)(block + 2));
    if (format == FT__FORMAT_Q4_0) {
        __m128i packed = _mm_loadu_si128((const __m128i *)(const void *)(block + 2));
        __m128i high = _mm_srli_epi16(packed, 4);
        __m256i nibbles = _mm256_inserti128_si256(_mm256_castsi128_si256(packed), high, 1);
        nibbles = _mm256_and_si256(nibbles, _mm256_set1_epi8(15));
        return _mm256_sub_epi8(nibbles, _mm256_set1_epi8(8));
    }
    if (format == FT__FORMAT_Q4_K) {
        const uint8_t *s = block + 4;
        int sc = sub < 4 ? s[sub] & 63 : (s[sub + 4] & 15) | (s[sub - 4] >> 6) << 4;
        int mn = sub < 4 ? s[sub + 4] & 63 : s[sub + 4] >> 4 | (s[sub] >> 6) << 4;
        memcpy(&half, block + 2, 2);
        *scale = *scale * (float)sc;
        *min = _cvtsh_ss(half) * (float)mn;
        __m256i both = _mm256_loadu_si256((const __m256i *)(const void *)(block + 16 + 32 * (sub / 2)));
        both = _mm256_srl_epi16(both, _mm_cvtsi32_si128(sub % 2 ? 4 : 0));
        return _mm256_and_si256(both, _mm256_set1_epi8(15));
    }
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

/* The sum of 32 int8. */
FT__AVX2_INLINE float ft__avx2_sum(__m256i x) {
    __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), x);
    __m256i quads = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(quads), _mm256_extracti128_si256(quads, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1));
    return (float)_mm_cvtsi128_si32(s);
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
        float scale[8], min[8];
        for (int r = 0; r < 8; r++) {
            code[r] = ft__avx2_block(rows[r], b, &factor[r], &scale[r], &min[r], format);
            size[r] = _mm256_abs_epi8(code[r]);
        }
        __m256 ws = _mm256_loadu_ps(scale);
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
            if (format == FT__FORMAT_Q4_K) {
                __m256 wm = _mm256_mul_ps(_mm256_loadu_ps(min), xs);
                acc[t] = _mm256_sub_ps(acc[t], _mm256_mul_ps(wm, _mm256_set1_ps(ft__avx2_sum(x))));
            }
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

FT__AVX2 static void ft__rows_q4_k_avx2(const uint8_t *w, size_t row_bytes, int n_rows,
                                        const ft__acts *a, float *out, size_t ld) {
    ft__avx2_rows_blocks(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_Q4_K);
}

FT__AVX2 static void ft__rows_q6_k_avx2(const uint8_t *w, size_t row_bytes, int n_rows,
                                        const ft__acts *a, float *out, size_t ld) {
    ft__avx2_rows_blocks(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_Q6_K);
}

/* ---- packed weights: half a group, eight rows, at a time */

/* Quad k of eight rows: unsigned codes, but signed ones where they are int8. */
FT__AVX2_INLINE __m256i ft__avx2_quad(const uint8_t *codes, int k, int format) {
    const __m256i *at = (const __m256i *)(const void *)(codes + 64 * (ft__pack_is_int8(format) ? k : k % 4));
    __m256i both = _mm256_loadu_si256(at);
    if (ft__pack_is_int8(format)) return _mm256_xor_si256(both, _mm256_set1_epi8((char)0x80));
    if (k >= 4) both = _mm256_srli_epi16(both, 4);
    __m256i low = _mm256_and_si256(both, _mm256_set1_epi8(15));
    if (format != FT__FORMAT_Q6_K) return low;
    __m256i bits = _mm256_loadu_si256((const __m256i *)(const void *)(codes + 256 + 64 * (k / 4)));
    bits = k % 4 < 2 ? _mm256_slli_epi16(bits, 4 - 2 * (k % 4)) : _mm256_srli_epi16(bits, 2 * (k % 4) - 4);
    return _mm256_or_si256(low, _mm256_and_si256(bits, _mm256_set1_epi8(0x30)));
}

FT__AVX2_INLINE __m256 ft__avx2_halves(const uint8_t *p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}

FT__AVX2_INLINE __m256i ft__avx2_bytes(const uint8_t *p, bool is_signed) {
    __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)p);
    return is_signed ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes);
}

/* As ft__avx512_wide_scales. */
FT__AVX2_INLINE __m256 ft__avx2_wide_scales(const uint8_t *s, int lane, __m256 *wm, __m256i *s0, __m256i *s1,
                                            int format) {
    if (format == FT__WIDE_MIN || format == FT__WIDE_HALVES)
        *wm = _mm256_loadu_ps((const float *)(const void *)(s + 64 + 4 * lane));
    if (format == FT__WIDE_MIN || format == FT__WIDE_FACTORS) {
        const uint8_t *factors = s + (format == FT__WIDE_MIN ? 128 : 64) + lane;
        *s0 = ft__avx2_bytes(factors, true);
        *s1 = ft__avx2_bytes(factors + 16, true);
    }
    return _mm256_loadu_ps((const float *)(const void *)(s + 4 * lane));
}

/* As ft__avx512_scales: s points at the scales of the group's half. */
FT__AVX2_INLINE __m256 ft__avx2_scales(const uint8_t *s, int b, int half, __m256 *wm, __m256i *s0,
                                       __m256i *s1, int format) {
    const int lane = 8 * half;
    if (format >= FT__WIDE)
        return ft__avx2_wide_scales(s + ft__pack_scale_bytes(format) * (size_t)b, lane, wm, s0, s1, format);
    if (format == FT__FORMAT_Q8_0 || format == FT__FORMAT_Q4_0)
        return ft__avx2_halves(s + 32 * (size_t)b + 2 * lane);
    if (format == FT__FORMAT_Q4_K) {
        s += 320 * (size_t)(b / 8);
        __m256 scale = _mm256_cvtepi32_ps(ft__avx2_bytes(s + 64 + 16 * (b % 8) + lane, false));
        __m256 min = _mm256_cvtepi32_ps(ft__avx2_bytes(s + 192 + 16 * (b % 8) + lane, false));
        *wm = _mm256_mul_ps(ft__avx2_halves(s + 32 + 2 * lane), min);
        return _mm256_mul_ps(ft__avx2_halves(s + 2 * lane), scale);
    }
    s += 288 * (size_t)(b / 8);
    *s0 = ft__avx2_bytes(s + 32 + 32 * (b % 8) + lane, true);
    *s1 = ft__avx2_bytes(s + 48 + 32 * (b % 8) + lane, true);
    return ft__avx2_halves(s + 2 * lane);
}

/* Four products per lane, exact: int8 as |code| * (sign(code) * q), the others' codes are at most 63. */
FT__AVX2_INLINE __m256i ft__avx2_dot4(__m256i quad, __m256i x, int format) {
    if (ft__pack_is_int8(format)) {
        x = _mm256_sign_epi8(x, quad);
        quad = _mm256_abs_epi8(quad);
    }
    return _mm256_madd_epi16(_mm256_maddubs_epi16(quad, x), _mm256_set1_epi16(1));
}

/* As ft__avx512_min_sum. */
FT__AVX2_INLINE __m256i ft__avx2_min_sum(int32_t low, int32_t high, __m256i s0, __m256i s1) {
    __m256i sum = _mm256_mullo_epi32(_mm256_set1_epi32(low), s0);
    sum = _mm256_add_epi32(sum, _mm256_mullo_epi32(_mm256_set1_epi32(high), s1));
    return _mm256_srai_epi32(sum, 3);
}

/* Tokens t0 .. t0 + n_n - 1 of a tile of n_t, over one chunk. */
FT__AVX2_INLINE void ft__avx2_tile(const uint8_t *codes, const uint8_t *scales, int half, int n_blocks,
                                   const uint8_t *tile, int n_t, int t0, bool first, float *out, size_t ld,
                                   int n_n, int format) {
    const bool q6 = format == FT__FORMAT_Q6_K, factors = q6 || format == FT__WIDE_FACTORS;
    const bool halves = factors || format == FT__WIDE_HALVES;
    const size_t code_bytes = ft__pack_code_bytes(format);
    __m256 acc[3];
    for (int t = 0; t < n_n; t++) acc[t] = _mm256_setzero_ps();
    for (int b = 0; b < n_blocks; b++, tile += n_t * FT__TILE_TOKEN_BYTES, codes += code_bytes) {
        const int32_t *q = (const int32_t *)(const void *)tile + t0;
        const float *xs = (const float *)(const void *)(q + 8 * n_t), *sum = xs + n_t;
        const int32_t *start = q + 10 * n_t, *start_low = start + n_t, *start_high = start_low + n_t;
        __m256i dot[3], high[3], s0 = _mm256_setzero_si256(), s1 = s0;
        __m256 wm = _mm256_setzero_ps();
        for (int t = 0; t < n_n; t++) {
            dot[t] = high[t] = _mm256_setzero_si256();
            if (format == FT__FORMAT_Q4_0) dot[t] = _mm256_set1_epi32(start[t]);
            if (q6) dot[t] = _mm256_set1_epi32(start_low[t] * 4), high[t] = _mm256_set1_epi32(start_high[t] * 4);
        }
        for (int k = 0; k < 8; k++) {
            __m256i quad = ft__avx2_quad(codes + 32 * half, k, format);
            for (int t = 0; t < n_n; t++) {
                __m256i four = ft__avx2_dot4(quad, _mm256_set1_epi32(q[k * n_t + t]), format);
                if (halves && k >= 4) high[t] = _mm256_add_epi32(high[t], four);
                else dot[t] = _mm256_add_epi32(dot[t], four);
            }
        }
        __m256 ws = ft__avx2_scales(scales, b, half, &wm, &s0, &s1, format);
        for (int t = 0; t < n_n; t++) {
            __m256 x = _mm256_set1_ps(xs[t]);
            __m256i isum = dot[t];
            if (factors)
                isum = _mm256_add_epi32(_mm256_mullo_epi32(isum, s0), _mm256_mullo_epi32(high[t], s1));
            acc[t] = _mm256_add_ps(acc[t], _mm256_mul_ps(_mm256_mul_ps(ws, x), _mm256_cvtepi32_ps(isum)));
            if (format == FT__FORMAT_Q4_K) {
                acc[t] = _mm256_sub_ps(acc[t], _mm256_mul_ps(_mm256_mul_ps(wm, x), _mm256_set1_ps(sum[t])));
            } else if (format == FT__WIDE_MIN || format == FT__WIDE_HALVES) {
                __m256i more = halves ? high[t] : ft__avx2_min_sum(start_low[t], start_high[t], s0, s1);
                acc[t] = _mm256_add_ps(acc[t], _mm256_mul_ps(_mm256_mul_ps(wm, x), _mm256_cvtepi32_ps(more)));
            }
        }
    }
    for (int t = 0; t < n_n; t++) {
        float *to = out + (size_t)t * ld;
        if (!first) acc[t] = _mm256_add_ps(_mm256_loadu_ps(to), acc[t]);
        _mm256_storeu_ps(to, acc[t]);
    }
}

FT__AVX2_INLINE void ft__avx2_packed(const uint8_t *w, size_t group_bytes, int n_groups, const ft__acts *a,
                                     float *out, size_t ld, int format) {
    const int n_blocks = a->n_cols / FT__BLOCK, per_chunk = FT__CHUNK / FT__BLOCK;
    const size_t code_bytes = ft__pack_code_bytes(format);
    const size_t scale_bytes = ft__pack_scale_bytes(format);
    for (int half = 0; half < 2 * n_groups; half++) {
        const uint8_t *group = w + (size_t)(half / 2) * group_bytes, *scales = group + (size_t)n_blocks * code_bytes;
        for (int b = 0; b < n_blocks; b += per_chunk) {
            const uint8_t *codes = group + (size_t)b * code_bytes, *s = scales + (size_t)b * scale_bytes;
            const int n = n_blocks - b < per_chunk ? n_blocks - b : per_chunk;
            for (int t = 0; t < a->n_tokens; t += FT__TILE_TOKENS) {
                const int n_t = a->n_tokens - t < FT__TILE_TOKENS ? a->n_tokens - t : (int)FT__TILE_TOKENS;
                const uint8_t *tile =
                    a->tiles + ((size_t)t * (size_t)n_blocks + (size_t)n_t * (size_t)b) * FT__TILE_TOKEN_BYTES;
                float *to = out + (size_t)t * ld + 8 * half;
                int i = 0;
                for (; i + 3 <= n_t; i += 3)
                    ft__avx2_tile(codes, s, half % 2, n, tile, n_t, i, b == 0, to + (size_t)i * ld, ld, 3, format);
                for (; i < n_t; i++)
                    ft__avx2_tile(codes, s, half % 2, n, tile, n_t, i, b == 0, to + (size_t)i * ld, ld, 1, format);
            }
        }
    }
}

FT__AVX2 static void ft__packed_q8_0_avx2(const uint8_t *w, size_t group_bytes, int n_groups,
                                          const ft__acts *a, float *out, size_t ld) {
    ft__avx2_packed(w, group_bytes, n_groups, a, out, ld, FT__FORMAT_Q8_0);
}

FT__AVX2 static void ft__packed_q4_0_avx2(const uint8_t *w, size_t group_bytes, int n_groups,
                                          const ft__acts *a, float *out, size_t ld) {
    ft__avx2_packed(w, group_bytes, n_groups, a, out, ld, FT__FORMAT_Q4_0);
}

FT__AVX2 static void ft__packed_q4_k_avx2(const uint8_t *w, size_t group_bytes, int n_groups,
                                          const ft__acts *a, float *out, size_t ld) {
    ft__avx2_packed(w, group_bytes, n_groups, a, out, ld, FT__FORMAT_Q4_K);
}

FT__AVX2 static void ft__packed_q6_k_avx2(const uint8_t *w, size_t group_bytes, int n_groups,
                                          const ft__acts *a, float *out, size_t ld) {
    ft__avx2_packed(w, group_bytes, n_groups, a, out, ld, FT__FORMAT_Q6_K);
}

#define FT__AVX2_WIDE(name, layout)                                                                          \
    FT__AVX2 static void ft__packed_##name##_avx2(const uint8_t *w, size_t group_bytes, int n_groups,        \
                                                  const ft__acts *a, float *out, size_t ld) {                \
        ft__avx2_packed(w, group_bytes, n_groups, a, out, ld, layout);                                       \
    }
FT__AVX2_WIDE(wide, FT__WIDE)
FT__AVX2_WIDE(wide_min, FT__WIDE_MIN)
FT__AVX2_WIDE(wide_factors, FT__WIDE_FACTORS)
FT__AVX2_WIDE(wide_halves, FT__WIDE_HALVES)

/* Eight outputs side by side, the tree over the rank from register to register. */
FT__AVX2 static void ft__low_rank_avx2(const float *b, int rank, int n_out, const float *low, int n_tokens,
                                       float factor, float *out, size_t ld) {
    const int n_p = rank < FT__PARTIALS ? rank : (int)FT__PARTIALS;
    for (int r = 0; r < n_out; r += 8) {
        const int n = n_out - r < 8 ? n_out - r : 8;
        const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
        for (int t = 0; t < n_tokens; t++) {
            const float *x = low + (size_t)t * (size_t)rank;
            float *to = out + (size_t)t * ld + r;
            __m256 p[FT__PARTIALS];
            for (int k = 0; k < rank; k++) {
                __m256 w = _mm256_maskload_ps(b + (size_t)k * (size_t)n_out + r, mask);
                __m256 product = _mm256_mul_ps(w, _mm256_set1_ps(x[k]));
                p[k % FT__PARTIALS] = k < FT__PARTIALS ? product : _mm256_add_ps(p[k % FT__PARTIALS], product);
            }
            for (int half = FT__PARTIALS / 2; half > 0; half /= 2)
                for (int i = 0; i < half && i + half < n_p; i++) p[i] = _mm256_add_ps(p[i], p[i + half]);
            __m256 sum = _mm256_mul_ps(_mm256_set1_ps(factor), p[0]);
            _mm256_maskstore_ps(to, mask, _mm256_add_ps(_mm256_maskload_ps(to, mask), sum));
        }
    }
}

/* Keys across lanes: 64 keys are eight registers, each an independent chain over d. */
FT__AVX2 static void ft__scores_avx2(const float *q, int n_q, const float *keys, int head_dim, float scale,
                                     float *s) {
    for (int h = 0; h < n_q; h++, q += head_dim, s += FT__TILE) {
        const float *k = keys;
        __m256 sum[8];
        for (int g = 0; g < 8; g++) sum[g] = _mm256_setzero_ps();
        for (int d = 0; d < head_dim; d++, k += FT__TILE) {
            __m256 qd = _mm256_set1_ps(q[d]);
            for (int g = 0; g < 8; g++)
                sum[g] = _mm256_add_ps(sum[g], _mm256_mul_ps(qd, _mm256_loadu_ps(k + 8 * g)));
        }
        for (int g = 0; g < 8; g++)
            _mm256_storeu_ps(s + 8 * g, _mm256_mul_ps(sum[g], _mm256_set1_ps(scale)));
    }
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
FT__AVX2 static void ft__values_avx2(float *o, int n_q, const float *p, const float *v, int lo, int hi,
                                     int head_dim) {
    for (int h = 0; h < n_q; h++, o += head_dim, p += FT__TILE) {
        int d = 0;
        for (int step; (step = head_dim - d >= 32 ? 4 : 1), d + 8 * step <= head_dim; d += 8 * step) {
            __m256 sum[4];
            for (int g = 0; g < step; g++) sum[g] = _mm256_loadu_ps(o + d + 8 * g);
            for (int j = lo; j < hi; j++) {
                __m256 weight = _mm256_set1_ps(p[j]);
                for (int g = 0; g < step; g++) {
                    __m256 x = _mm256_loadu_ps(v + j * head_dim + d + 8 * g);
                    sum[g] = _mm256_add_ps(sum[g], _mm256_mul_ps(weight, x));
                }
            }
            for (int g = 0; g < step; g++) _mm256_storeu_ps(o + d + 8 * g, sum[g]);
        }
        for (; d < head_dim; d++)
            for (int j = lo; j < hi; j++) o[d] = o[d] + p[j] * v[j * head_dim + d];
    }
}

FT__AVX2 static void ft__widen_avx2(const uint16_t *half, float *out, int n) {
    int i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(half + i))));
    for (; i < n; i++) out[i] = ft__f16_to_f32(half[i]);
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
    static ft__packed_fn *const wide[4] = {ft__packed_wide_avx2, ft__packed_wide_min_avx2,
                                           ft__packed_wide_factors_avx2, ft__packed_wide_halves_avx2};
    ft__kernels_wide(k, wide);
    k->rows[FT__FORMAT_F32] = ft__rows_f32_avx2;
    k->rows[FT__FORMAT_F16] = ft__rows_f16_avx2;
    k->rows[FT__FORMAT_BF16] = ft__rows_bf16_avx2;
    k->rows[FT__FORMAT_Q8_0] = ft__rows_q8_0_avx2;
    k->rows[FT__FORMAT_Q4_0] = ft__rows_q4_0_avx2;
    k->rows[FT__FORMAT_Q4_K] = ft__rows_q4_k_avx2;
    k->rows[FT__FORMAT_Q6_K] = ft__rows_q6_k_avx2;
    k->quantize = ft__quantize_avx2;
    k->tile = ft__tile_avx2;
    k->sum_squares = ft__sum_squares_avx2;
    k->add = ft__add_avx2;
    k->scale = ft__scale_avx2;
    k->rope = ft__rope_avx2;
    k->max = ft__max_avx2;
    k->packed[FT__FORMAT_Q8_0] = ft__packed_q8_0_avx2;
    k->packed[FT__FORMAT_Q4_0] = ft__packed_q4_0_avx2;
    k->packed[FT__FORMAT_Q4_K] = ft__packed_q4_k_avx2;
    k->packed[FT__FORMAT_Q6_K] = ft__packed_q6_k_avx2;
    k->low_rank = ft__low_rank_avx2;
    k->scores = ft__scores_avx2;
    k->softmax = ft__softmax_avx2;
    k->values = ft__values_avx2;
    k->widen = ft__widen_avx2;
    k->silu_mul = ft__silu_mul_avx2;
}

#undef FT__AVX2_WIDE
#undef FT__AVX2
#undef FT__AVX2_INLINE
#else
FT__PRIV void ft__kernels_avx2(ft__kernels *k) { (void)k; }
#endif
