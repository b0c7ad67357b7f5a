/* The kernels' twins for AVX-512 with VNNI.  Sixteen rows, keys, dimensions or partial sums lie across a
   register; the packed layout (pack.c) was made for this.  Integer dots are one instruction for four
   products, exact and without saturation.

   Inline assembly for that one instruction: gcc 12 copies the accumulator around the intrinsic.  The
   `unroll` pragmas turn small arrays of registers into registers. */
#include "num.h"

#if defined(__x86_64__)
#include <immintrin.h>

/* gcc 12 warns of its own intrinsics under -march=native (its bug 105593). */
#if !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#define FT__AVX512_ISA "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,f16c"
#define FT__AVX512 __attribute__((target(FT__AVX512_ISA)))
#define FT__AVX512_INLINE static inline __attribute__((target(FT__AVX512_ISA), always_inline))
#define FT__AVX512_DOT(acc, w, x) __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(w), "v"(x))

/* ---- packed weights */

/* Quad k of a block of one group: the same four inputs of 16 rows, unsigned. */
FT__AVX512_INLINE __m512i ft__avx512_quad(const uint8_t *codes, int k, int format) {
    if (ft__pack_is_int8(format)) return _mm512_loadu_si512(codes + 64 * k);
    __m512i both = _mm512_loadu_si512(codes + 64 * (k % 4));
    __m512i low = _mm512_and_si512(k < 4 ? both : _mm512_srli_epi16(both, 4), _mm512_set1_epi8(15));
    if (format != FT__FORMAT_Q6_K) return low;
    __m512i bits = _mm512_loadu_si512(codes + 256 + 64 * (k / 4));
    bits = k % 4 < 2 ? _mm512_slli_epi16(bits, 4 - 2 * (k % 4)) : _mm512_srli_epi16(bits, 2 * (k % 4) - 4);
    return _mm512_ternarylogic_epi64(low, bits, _mm512_set1_epi8(0x30), 0xF8); /* a | (b & c) */
}

FT__AVX512_INLINE __m512 ft__avx512_halves(const uint8_t *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

FT__AVX512_INLINE __m512i ft__avx512_bytes(const uint8_t *p, bool is_signed) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    return is_signed ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes);
}

/* Those of the layouts of int8 codes: wm are the minimums, or the second half's scales; s0 and s1 the integer
   factors of either. */
FT__AVX512_INLINE __m512 ft__avx512_wide_scales(const uint8_t *s, __m512 *wm, __m512i *s0, __m512i *s1,
                                                int format) {
    if (format == FT__WIDE_MIN || format == FT__WIDE_HALVES) *wm = _mm512_loadu_ps(s + 64);
    if (format == FT__WIDE_MIN || format == FT__WIDE_FACTORS) {
        const uint8_t *factors = s + (format == FT__WIDE_MIN ? 128 : 64);
        *s0 = ft__avx512_bytes(factors, true);
        *s1 = ft__avx512_bytes(factors + 16, true);
    }
    return _mm512_loadu_ps(s);
}

/* Scales of block b of 16 rows: ws, for Q4_K also those of the minimums, for Q6_K the integer scales of
   the two halves. */
FT__AVX512_INLINE __m512 ft__avx512_scales(const uint8_t *s, int b, __m512 *wm, __m512i *s0, __m512i *s1,
                                           int format) {
    if (format >= FT__WIDE)
        return ft__avx512_wide_scales(s + ft__pack_scale_bytes(format) * (size_t)b, wm, s0, s1, format);
    if (format == FT__FORMAT_Q8_0 || format == FT__FORMAT_Q4_0) return ft__avx512_halves(s + 32 * (size_t)b);
    if (format == FT__FORMAT_Q4_K) {
        s += 320 * (size_t)(b / 8);
        __m512 scale = _mm512_cvtepi32_ps(ft__avx512_bytes(s + 64 + 16 * (b % 8), false));
        __m512 min = _mm512_cvtepi32_ps(ft__avx512_bytes(s + 192 + 16 * (b % 8), false));
        *wm = _mm512_mul_ps(ft__avx512_halves(s + 32), min);
        return _mm512_mul_ps(ft__avx512_halves(s), scale);
    }
    s += 288 * (size_t)(b / 8);
    *s0 = ft__avx512_bytes(s + 32 + 32 * (b % 8), true);
    *s1 = ft__avx512_bytes(s + 48 + 32 * (b % 8), true);
    return ft__avx512_halves(s);
}

/* What an integer sum starts from: the bias times the sum of the activations, negative.  The tile has it
   for a bias of 8. */
FT__AVX512_INLINE __m512i ft__avx512_start(int32_t minus_8_sums, int format) {
    __m512i start = _mm512_set1_epi32(minus_8_sums);
    if (ft__pack_is_int8(format)) return _mm512_slli_epi32(start, 4);
    if (format == FT__FORMAT_Q6_K) return _mm512_slli_epi32(start, 2);
    return format == FT__FORMAT_Q4_0 ? start : _mm512_setzero_si512();
}

/* The sums of the halves' activations times the factors of the minimum, negative: the tile has -8 of them. */
FT__AVX512_INLINE __m512i ft__avx512_min_sum(int32_t low, int32_t high, __m512i s0, __m512i s1) {
    __m512i sum = _mm512_mullo_epi32(_mm512_set1_epi32(low), s0);
    sum = _mm512_add_epi32(sum, _mm512_mullo_epi32(_mm512_set1_epi32(high), s1));
    return _mm512_srai_epi32(sum, 3);
}

/* Where a tile's sum over a chunk goes: sums (n_t, 16 n_g) carry it to the next chunk; the last one writes
   out.  The sums lie together, while neighbours in out are a row of the matrix's outputs apart. */
typedef struct ft__avx512_to {
    float *sums, *out;
    size_t ld;
    bool first, last;
} ft__avx512_to;

/* `n_g` groups of 16 rows times a tile of `n_t` tokens over one chunk.  n_g, n_t and format are constants
   when this is compiled. */
FT__AVX512_INLINE void ft__avx512_tile(const uint8_t *codes, const uint8_t *scales, size_t group_bytes,
                                       int n_blocks, const uint8_t *tile, ft__avx512_to to, int n_g, int n_t,
                                       int format) {
    const bool factors = format == FT__FORMAT_Q6_K || format == FT__WIDE_FACTORS;
    const bool halves = factors || format == FT__WIDE_HALVES;
    const size_t code_bytes = ft__pack_code_bytes(format);
    __m512 acc[2][6];
#pragma GCC unroll 2
    for (int g = 0; g < n_g; g++)
#pragma GCC unroll 6
        for (int t = 0; t < n_t; t++) acc[g][t] = _mm512_setzero_ps();
    for (int b = 0; b < n_blocks; b++, tile += n_t * FT__TILE_TOKEN_BYTES, codes += code_bytes) {
        const int32_t *q = (const int32_t *)(const void *)tile;
        const float *xs = (const float *)(const void *)(q + 8 * n_t), *sum = xs + n_t;
        const int32_t *start = q + 10 * n_t, *start_low = start + n_t, *start_high = start_low + n_t;
        __m512i dot[2][6], high[2][6], quad[2];
#pragma GCC unroll 2
        for (int g = 0; g < n_g; g++) {
#pragma GCC unroll 6
            for (int t = 0; t < n_t; t++) {
                dot[g][t] = ft__avx512_start(halves ? start_low[t] : start[t], format);
                if (halves) high[g][t] = ft__avx512_start(start_high[t], format);
            }
        }
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) {
            const int k = ft__pack_is_int8(format) ? i : i / 2 + 4 * (i % 2); /* nibbles: both of a byte */
#pragma GCC unroll 2
            for (int g = 0; g < n_g; g++)
                quad[g] = ft__avx512_quad(codes + (size_t)g * group_bytes, k, format);
#pragma GCC unroll 6
            for (int t = 0; t < n_t; t++) {
                __m512i x = _mm512_set1_epi32(q[k * n_t + t]);
#pragma GCC unroll 2
                for (int g = 0; g < n_g; g++) {
                    if (halves && k >= 4) FT__AVX512_DOT(high[g][t], quad[g], x);
                    else FT__AVX512_DOT(dot[g][t], quad[g], x);
                }
            }
        }
#pragma GCC unroll 2
        for (int g = 0; g < n_g; g++) {
            __m512 wm = _mm512_setzero_ps();
            __m512i s0 = _mm512_setzero_si512(), s1 = s0;
            __m512 ws = ft__avx512_scales(scales + (size_t)g * group_bytes, b, &wm, &s0, &s1, format);
#pragma GCC unroll 6
            for (int t = 0; t < n_t; t++) {
                __m512 x = _mm512_set1_ps(xs[t]);
                __m512i isum = dot[g][t];
                if (factors)
                    isum = _mm512_add_epi32(_mm512_mullo_epi32(isum, s0), _mm512_mullo_epi32(high[g][t], s1));
                __m512 term = _mm512_mul_ps(_mm512_mul_ps(ws, x), _mm512_cvtepi32_ps(isum));
                acc[g][t] = _mm512_add_ps(acc[g][t], term);
                if (format == FT__FORMAT_Q4_K) {
                    term = _mm512_mul_ps(_mm512_mul_ps(wm, x), _mm512_set1_ps(sum[t]));
                    acc[g][t] = _mm512_sub_ps(acc[g][t], term);
                } else if (format == FT__WIDE_MIN || format == FT__WIDE_HALVES) {
                    __m512i more = halves ? high[g][t] : ft__avx512_min_sum(start_low[t], start_high[t], s0, s1);
                    term = _mm512_mul_ps(_mm512_mul_ps(wm, x), _mm512_cvtepi32_ps(more));
                    acc[g][t] = _mm512_add_ps(acc[g][t], term);
                }
            }
        }
    }
#pragma GCC unroll 2
    for (int g = 0; g < n_g; g++) {
#pragma GCC unroll 6
        for (int t = 0; t < n_t; t++) {
            float *sum = to.sums + 16 * (t * n_g + g);
            if (!to.first) acc[g][t] = _mm512_add_ps(_mm512_load_ps(sum), acc[g][t]);
            if (to.last) _mm512_storeu_ps(to.out + (size_t)t * to.ld + 16 * g, acc[g][t]);
            else _mm512_store_ps(sum, acc[g][t]);
        }
    }
}

enum { FT__AVX512_TOKENS = 48 }; /* tokens that pass while a chunk of weights stays in the first cache */

/* One or two groups times some tokens, chunk by chunk. */
FT__AVX512_INLINE void ft__avx512_groups(const uint8_t *w, size_t group_bytes, const ft__acts *a, int first,
                                         int n_tokens, float *out, size_t ld, int n_g, int format) {
    const int n_blocks = a->n_cols / FT__BLOCK, per_chunk = FT__CHUNK / FT__BLOCK;
    const size_t code_bytes = ft__pack_code_bytes(format);
    const size_t scale_bytes = ft__pack_scale_bytes(format);
    const uint8_t *scales = w + (size_t)n_blocks * code_bytes;
    float sums[FT__AVX512_TOKENS * 32] __attribute__((aligned(64)));
    for (int b = 0; b < n_blocks; b += per_chunk) {
        const uint8_t *codes = w + (size_t)b * code_bytes, *s = scales + (size_t)b * scale_bytes;
        const int n = n_blocks - b < per_chunk ? n_blocks - b : per_chunk;
        for (int t = 0; t < n_tokens; t += FT__TILE_TOKENS) {
            const int n_t = n_tokens - t < FT__TILE_TOKENS ? n_tokens - t : (int)FT__TILE_TOKENS;
            const size_t at = (size_t)(first + t) * (size_t)n_blocks + (size_t)n_t * (size_t)b;
            const uint8_t *tile = a->tiles + at * FT__TILE_TOKEN_BYTES;
            const ft__avx512_to to = {sums + 32 * t, out + (size_t)t * ld, ld, b == 0, b + n == n_blocks};
            switch (n_t) {
            case 1: ft__avx512_tile(codes, s, group_bytes, n, tile, to, n_g, 1, format); break;
            case 2: ft__avx512_tile(codes, s, group_bytes, n, tile, to, n_g, 2, format); break;
            case 3: ft__avx512_tile(codes, s, group_bytes, n, tile, to, n_g, 3, format); break;
            case 4: ft__avx512_tile(codes, s, group_bytes, n, tile, to, n_g, 4, format); break;
            case 5: ft__avx512_tile(codes, s, group_bytes, n, tile, to, n_g, 5, format); break;
            default: ft__avx512_tile(codes, s, group_bytes, n, tile, to, n_g, 6, format); break;
            }
        }
    }
}

FT__AVX512_INLINE void ft__avx512_packed(const uint8_t *w, size_t group_bytes, int n_groups,
                                         const ft__acts *a, float *out, size_t ld, int format) {
    for (int g = 0; g < n_groups; g += 2, w += 2 * group_bytes) {
        for (int t = 0; t < a->n_tokens; t += FT__AVX512_TOKENS) {
            const int n = a->n_tokens - t < FT__AVX512_TOKENS ? a->n_tokens - t : (int)FT__AVX512_TOKENS;
            float *to = out + (size_t)t * ld + 16 * g;
            if (g + 1 < n_groups) ft__avx512_groups(w, group_bytes, a, t, n, to, ld, 2, format);
            else ft__avx512_groups(w, group_bytes, a, t, n, to, ld, 1, format);
        }
    }
}

FT__AVX512 static void ft__packed_q8_0_avx512(const uint8_t *w, size_t group_bytes, int n_groups,
                                              const ft__acts *a, float *out, size_t ld) {
    ft__avx512_packed(w, group_bytes, n_groups, a, out, ld, FT__FORMAT_Q8_0);
}

FT__AVX512 static void ft__packed_q4_0_avx512(const uint8_t *w, size_t group_bytes, int n_groups,
                                              const ft__acts *a, float *out, size_t ld) {
    ft__avx512_packed(w, group_bytes, n_groups, a, out, ld, FT__FORMAT_Q4_0);
}

FT__AVX512 static void ft__packed_q4_k_avx512(const uint8_t *w, size_t group_bytes, int n_groups,
                                              const ft__acts *a, float *out, size_t ld) {
    ft__avx512_packed(w, group_bytes, n_groups, a, out, ld, FT__FORMAT_Q4_K);
}

FT__AVX512 static void ft__packed_q6_k_avx512(const uint8_t *w, size_t group_bytes, int n_groups,
                                              const ft__acts *a, float *out, size_t ld) {
    ft__avx512_packed(w, group_bytes, n_groups, a, out, ld, FT__FORMAT_Q6_K);
}

#define FT__AVX512_WIDE(name, layout)                                                                        \
    FT__AVX512 static void ft__packed_##name##_avx512(const uint8_t *w, size_t group_bytes, int n_groups,    \
                                                      const ft__acts *a, float *out, size_t ld) {            \
        ft__avx512_packed(w, group_bytes, n_groups, a, out, ld, layout);                                     \
    }
FT__AVX512_WIDE(wide, FT__WIDE)
FT__AVX512_WIDE(wide_min, FT__WIDE_MIN)
FT__AVX512_WIDE(wide_factors, FT__WIDE_FACTORS)
FT__AVX512_WIDE(wide_halves, FT__WIDE_HALVES)

/* ---- float weights: 64 partial sums in four registers */

FT__AVX512_INLINE __m512 ft__avx512_weights(const uint8_t *row, int i, int format) {
    if (format == FT__FORMAT_F32) return _mm512_loadu_ps(row + 4 * (size_t)i);
    __m256i half = _mm256_loadu_si256((const __m256i *)(const void *)(row + 2 * (size_t)i));
    if (format == FT__FORMAT_F16) return _mm512_cvtph_ps(half);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

/* The same for the last elements of a row: lanes beyond the end are zeros, which add nothing. */
FT__AVX512_INLINE __m512 ft__avx512_weights_end(const uint8_t *row, int i, int n, int format) {
    const __mmask16 mask = (__mmask16)((1u << (n - i < 16 ? n - i : 16)) - 1);
    if (format == FT__FORMAT_F32) return _mm512_maskz_loadu_ps(mask, row + 4 * (size_t)i);
    __m256i half = _mm256_maskz_loadu_epi16(mask, row + 2 * (size_t)i);
    if (format == FT__FORMAT_F16) return _mm512_cvtph_ps(half);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

/* 32, 16, then within the register 8, 4, 2, 1. */
FT__AVX512_INLINE float ft__avx512_tree(const __m512 p[4]) {
    __m512 s = _mm512_add_ps(_mm512_add_ps(p[0], p[2]), _mm512_add_ps(p[1], p[3]));
    __m256 e = _mm256_add_ps(_mm512_extractf32x8_ps(s, 0), _mm512_extractf32x8_ps(s, 1));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    q = _mm_add_ss(q, _mm_shuffle_ps(q, q, 1));
    return _mm_cvtss_f32(q);
}

/* One row times n_t tokens. */
FT__AVX512_INLINE void ft__avx512_dots(const uint8_t *row, const float *x, int n, float *out, size_t ld,
                                       int n_t, int format) {
    __m512 p[4][4];
#pragma GCC unroll 4
    for (int t = 0; t < n_t; t++)
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++) p[t][g] = _mm512_setzero_ps();
    int i = 0;
    for (; i + FT__PARTIALS <= n; i += FT__PARTIALS) {
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++) {
            __m512 w = ft__avx512_weights(row, i + 16 * g, format);
#pragma GCC unroll 4
            for (int t = 0; t < n_t; t++) {
                __m512 product = _mm512_mul_ps(w, _mm512_loadu_ps(x + (size_t)t * (size_t)n + i + 16 * g));
                p[t][g] = _mm512_add_ps(p[t][g], product);
            }
        }
    }
#pragma GCC unroll 4
    for (int g = 0; g < 4; g++) {
        if (i + 16 * g >= n) continue;
        __m512 w = ft__avx512_weights_end(row, i + 16 * g, n, format);
#pragma GCC unroll 4
        for (int t = 0; t < n_t; t++) {
            const uint8_t *xt = (const uint8_t *)(x + (size_t)t * (size_t)n);
            __m512 product = _mm512_mul_ps(w, ft__avx512_weights_end(xt, i + 16 * g, n, FT__FORMAT_F32));
            p[t][g] = _mm512_add_ps(p[t][g], product);
        }
    }
#pragma GCC unroll 4
    for (int t = 0; t < n_t; t++) out[(size_t)t * ld] = ft__avx512_tree(p[t]);
}

enum { FT__AVX512_ROWS = 8 }; /* rows that meet four tokens while these are in the first cache */

FT__AVX512_INLINE void ft__avx512_rows(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                       float *out, size_t ld, int format) {
    const int n = a->n_cols;
    for (int first = 0; first < n_rows; first += FT__AVX512_ROWS) {
        const int end = n_rows - first < FT__AVX512_ROWS ? n_rows : first + FT__AVX512_ROWS;
        for (int t = 0; t < a->n_tokens;) {
            const int n_t = a->n_tokens - t >= 4 ? 4 : 1;
            const float *x = a->x + (size_t)t * (size_t)n;
            for (int r = first; r < end; r++) {
                const uint8_t *row = w + (size_t)r * row_bytes;
                float *to = out + (size_t)t * ld + r;
                if (n_t == 4) ft__avx512_dots(row, x, n, to, ld, 4, format);
                else ft__avx512_dots(row, x, n, to, ld, 1, format);
            }
            t += n_t;
        }
    }
}

FT__AVX512 static void ft__rows_f32_avx512(const uint8_t *w, size_t row_bytes, int n_rows,
                                           const ft__acts *a, float *out, size_t ld) {
    ft__avx512_rows(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_F32);
}

FT__AVX512 static void ft__rows_f16_avx512(const uint8_t *w, size_t row_bytes, int n_rows,
                                           const ft__acts *a, float *out, size_t ld) {
    ft__avx512_rows(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_F16);
}

FT__AVX512 static void ft__rows_bf16_avx512(const uint8_t *w, size_t row_bytes, int n_rows,
                                            const ft__acts *a, float *out, size_t ld) {
    ft__avx512_rows(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_BF16);
}

/* ---- low-rank deltas: 16 outputs side by side, the tree over the rank from register to register */

/* Up to 64 ranks of 16 outputs: the rank is a constant where it is a usual one. */
FT__AVX512_INLINE void ft__avx512_low_rank(const float *b, size_t n_out, __mmask16 mask, int rank,
                                           const float *low, int n_tokens, float factor, float *out, size_t ld) {
    __m512 w[FT__PARTIALS], p[FT__PARTIALS];
    for (int k = 0; k < rank; k++) w[k] = _mm512_maskz_loadu_ps(mask, b + (size_t)k * n_out);
    for (int t = 0; t < n_tokens; t++, low += rank, out += ld) {
        for (int k = 0; k < rank; k++) p[k] = _mm512_mul_ps(w[k], _mm512_set1_ps(low[k]));
        for (int half = FT__PARTIALS / 2; half > 0; half /= 2)
            for (int i = 0; i < half && i + half < rank; i++) p[i] = _mm512_add_ps(p[i], p[i + half]);
        __m512 sum = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, out), _mm512_mul_ps(_mm512_set1_ps(factor), p[0]));
        _mm512_mask_storeu_ps(out, mask, sum);
    }
}

/* Any rank: partial k takes ranks k, k + 64, ... */
FT__AVX512_INLINE void ft__avx512_high_rank(const float *b, size_t n_out, __mmask16 mask, int rank,
                                            const float *low, int n_tokens, float factor, float *out, size_t ld) {
    for (int t = 0; t < n_tokens; t++, low += rank, out += ld) {
        __m512 p[FT__PARTIALS];
        for (int k = 0; k < rank; k++) {
            __m512 w = _mm512_maskz_loadu_ps(mask, b + (size_t)k * n_out);
            __m512 product = _mm512_mul_ps(w, _mm512_set1_ps(low[k]));
            p[k % FT__PARTIALS] = k < FT__PARTIALS ? product : _mm512_add_ps(p[k % FT__PARTIALS], product);
        }
        for (int half = FT__PARTIALS / 2; half > 0; half /= 2)
            for (int i = 0; i < half; i++) p[i] = _mm512_add_ps(p[i], p[i + half]);
        __m512 sum = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, out), _mm512_mul_ps(_mm512_set1_ps(factor), p[0]));
        _mm512_mask_storeu_ps(out, mask, sum);
    }
}

FT__AVX512 static void ft__low_rank_avx512(const float *b, int rank, int n_out, const float *low,
                                           int n_tokens, float factor, float *out, size_t ld) {
    enum { AT_ONCE = 16 }; /* tokens whose outputs stay in reach of the caches */
    const size_t stride = (size_t)n_out;
    for (int t = 0; t < n_tokens; t += AT_ONCE) {
        const int n = n_tokens - t < AT_ONCE ? n_tokens - t : (int)AT_ONCE;
        const float *x = low + (size_t)t * (size_t)rank;
        for (int r = 0; r < n_out; r += 16) {
            const __mmask16 mask = (__mmask16)((1u << (n_out - r < 16 ? n_out - r : 16)) - 1);
            float *to = out + (size_t)t * ld + r;
            if (rank == 8) ft__avx512_low_rank(b + r, stride, mask, 8, x, n, factor, to, ld);
            else if (rank == 16) ft__avx512_low_rank(b + r, stride, mask, 16, x, n, factor, to, ld);
            else if (rank <= FT__PARTIALS) ft__avx512_low_rank(b + r, stride, mask, rank, x, n, factor, to, ld);
            else ft__avx512_high_rank(b + r, stride, mask, rank, x, n, factor, to, ld);
        }
    }
}

/* ---- attention */

FT__AVX512_INLINE __m512 ft__avx512_exp(__m512 x) {
    const __mmask16 keep = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-87.0f), _CMP_GE_OQ);
    const __m512 magic = _mm512_set1_ps(12582912.0f);
    x = _mm512_min_ps(x, _mm512_set1_ps(88.0f));
    x = _mm512_max_ps(x, _mm512_set1_ps(-87.0f));
    __m512 shifted = _mm512_add_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), magic);
    __m512 n = _mm512_sub_ps(shifted, magic);
    __m512 r = _mm512_sub_ps(x, _mm512_mul_ps(n, _mm512_set1_ps(0.693359375f)));
    r = _mm512_sub_ps(r, _mm512_mul_ps(n, _mm512_set1_ps(-2.12194440e-4f)));
    __m512 p = _mm512_set1_ps(0.0013942160876467824f);
    p = _mm512_add_ps(_mm512_mul_ps(p, r), _mm512_set1_ps(0.008363775908946991f));
    p = _mm512_add_ps(_mm512_mul_ps(p, r), _mm512_set1_ps(0.041666362434625626f));
    p = _mm512_add_ps(_mm512_mul_ps(p, r), _mm512_set1_ps(0.16666573286056519f));
    p = _mm512_add_ps(_mm512_mul_ps(p, r), _mm512_set1_ps(0.5f));
    p = _mm512_mul_ps(p, _mm512_mul_ps(r, r));
    p = _mm512_add_ps(p, r);
    p = _mm512_add_ps(p, _mm512_set1_ps(1.0f));
    __m512i power = _mm512_sub_epi32(_mm512_castps_si512(shifted), _mm512_set1_epi32(0x4B400000 - 127));
    return _mm512_maskz_mul_ps(keep, p, _mm512_castsi512_ps(_mm512_slli_epi32(power, 23)));
}

FT__AVX512_INLINE __m512 ft__avx512_silu_mul(__m512 gate, __m512 up) {
    const __m512 two = _mm512_set1_ps(2.0f);
    __m512 negative = _mm512_min_ps(_mm512_sub_ps(_mm512_setzero_ps(), gate), _mm512_set1_ps(80.0f));
    __m512 below = _mm512_add_ps(_mm512_set1_ps(1.0f), ft__avx512_exp(negative));
    __m512 y = _mm512_castsi512_ps(_mm512_sub_epi32(_mm512_set1_epi32(0x7EF311C3), _mm512_castps_si512(below)));
    for (int i = 0; i < 3; i++) y = _mm512_mul_ps(y, _mm512_sub_ps(two, _mm512_mul_ps(below, y)));
    return _mm512_mul_ps(_mm512_mul_ps(gate, y), up);
}

FT__AVX512 static void ft__silu_mul_avx512(float *gate, const float *up, int n) {
    for (int i = 0; i < n; i += 16) {
        const __mmask16 mask = (__mmask16)((1u << (n - i < 16 ? n - i : 16)) - 1);
        __m512 g = _mm512_maskz_loadu_ps(mask, gate + i), u = _mm512_maskz_loadu_ps(mask, up + i);
        _mm512_mask_storeu_ps(gate + i, mask, ft__avx512_silu_mul(g, u));
    }
}

/* n_q queries against 64 keys: every product's key vector is loaded once for all of them. */
FT__AVX512_INLINE void ft__avx512_scores(const float *q, const float *k, int head_dim, float scale,
                                         float *s, int n_q) {
    __m512 sum[4][4];
#pragma GCC unroll 4
    for (int h = 0; h < n_q; h++)
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++) sum[h][g] = _mm512_setzero_ps();
    for (int d = 0; d < head_dim; d++, k += FT__TILE) {
        __m512 key[4];
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++) key[g] = _mm512_loadu_ps(k + 16 * g);
#pragma GCC unroll 4
        for (int h = 0; h < n_q; h++) {
            __m512 x = _mm512_set1_ps(q[h * head_dim + d]);
#pragma GCC unroll 4
            for (int g = 0; g < 4; g++) sum[h][g] = _mm512_add_ps(sum[h][g], _mm512_mul_ps(x, key[g]));
        }
    }
#pragma GCC unroll 4
    for (int h = 0; h < n_q; h++)
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++)
            _mm512_storeu_ps(s + h * FT__TILE + 16 * g, _mm512_mul_ps(sum[h][g], _mm512_set1_ps(scale)));
}

FT__AVX512 static void ft__scores_avx512(const float *q, int n_q, const float *k, int head_dim, float scale,
                                         float *s) {
    int h = 0;
    for (; h + 4 <= n_q; h += 4) ft__avx512_scores(q + h * head_dim, k, head_dim, scale, s + h * FT__TILE, 4);
    for (; h < n_q; h++) ft__avx512_scores(q + h * head_dim, k, head_dim, scale, s + h * FT__TILE, 1);
}

FT__AVX512 static float ft__softmax_avx512(float s[64], int lo, int hi, float max) {
    const uint64_t below_hi = hi >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << hi) - 1;
    const uint64_t seen = below_hi & ~(((uint64_t)1 << lo) - 1);
    __m512 p[4];
    for (int g = 0; g < 4; g++) {
        p[g] = ft__avx512_exp(_mm512_sub_ps(_mm512_loadu_ps(s + 16 * g), _mm512_set1_ps(max)));
        p[g] = _mm512_maskz_mov_ps((__mmask16)(seen >> (16 * g)), p[g]);
        _mm512_storeu_ps(s + 16 * g, p[g]);
    }
    return ft__avx512_tree(p);
}

/* 64 dimensions (or the rest, masked) of n_q outputs in registers while the keys pass. */
FT__AVX512_INLINE void ft__avx512_values(float *o, const float *p, const float *v, int lo, int hi,
                                         int head_dim, int n_d, int n_q) {
    __m512 sum[4][4];
    __mmask16 mask[4];
#pragma GCC unroll 4
    for (int g = 0; g < 4; g++) {
        int left = n_d - 16 * g;
        mask[g] = (__mmask16)(left >= 16 ? 0xFFFF : left <= 0 ? 0 : (1u << left) - 1);
#pragma GCC unroll 4
        for (int h = 0; h < n_q; h++) sum[h][g] = _mm512_maskz_loadu_ps(mask[g], o + h * head_dim + 16 * g);
    }
    for (int j = lo; j < hi; j++) {
        __m512 value[4];
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++) value[g] = _mm512_maskz_loadu_ps(mask[g], v + j * head_dim + 16 * g);
#pragma GCC unroll 4
        for (int h = 0; h < n_q; h++) {
            __m512 weight = _mm512_set1_ps(p[h * FT__TILE + j]);
#pragma GCC unroll 4
            for (int g = 0; g < 4; g++) sum[h][g] = _mm512_add_ps(sum[h][g], _mm512_mul_ps(weight, value[g]));
        }
    }
#pragma GCC unroll 4
    for (int h = 0; h < n_q; h++)
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++) _mm512_mask_storeu_ps(o + h * head_dim + 16 * g, mask[g], sum[h][g]);
}

FT__AVX512 static void ft__values_avx512(float *o, int n_q, const float *p, const float *v, int lo, int hi,
                                         int head_dim) {
    for (int d = 0; d < head_dim; d += 64) {
        const int n_d = head_dim - d;
        int h = 0;
        for (; h + 4 <= n_q; h += 4)
            ft__avx512_values(o + h * head_dim + d, p + h * FT__TILE, v + d, lo, hi, head_dim, n_d, 4);
        for (; h < n_q; h++)
            ft__avx512_values(o + h * head_dim + d, p + h * FT__TILE, v + d, lo, hi, head_dim, n_d, 1);
    }
}

FT__AVX512 static void ft__widen_avx512(const uint16_t *half, float *out, int n) {
    int i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i h = _mm256_loadu_si256((const __m256i *)(const void *)(half + i));
        _mm512_storeu_ps(out + i, _mm512_cvtph_ps(h));
    }
    for (; i < n; i++) out[i] = ft__f16_to_f32(half[i]);
}

FT__PRIV void ft__kernels_avx512(ft__kernels *k) {
    static ft__packed_fn *const wide[4] = {ft__packed_wide_avx512, ft__packed_wide_min_avx512,
                                           ft__packed_wide_factors_avx512, ft__packed_wide_halves_avx512};
    ft__kernels_wide(k, wide);
    k->packed[FT__FORMAT_Q8_0] = ft__packed_q8_0_avx512;
    k->packed[FT__FORMAT_Q4_0] = ft__packed_q4_0_avx512;
    k->packed[FT__FORMAT_Q4_K] = ft__packed_q4_k_avx512;
    k->packed[FT__FORMAT_Q6_K] = ft__packed_q6_k_avx512;
    k->rows[FT__FORMAT_F32] = ft__rows_f32_avx512;
    k->rows[FT__FORMAT_F16] = ft__rows_f16_avx512;
    k->rows[FT__FORMAT_BF16] = ft__rows_bf16_avx512;
    k->low_rank = ft__low_rank_avx512;
    k->scores = ft__scores_avx512;
    k->softmax = ft__softmax_avx512;
    k->values = ft__values_avx512;
    k->widen = ft__widen_avx512;
    k->silu_mul = ft__silu_mul_avx512;
}

#if !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#undef FT__AVX512_ISA
#undef FT__AVX512
#undef FT__AVX512_INLINE
#undef FT__AVX512_DOT
#undef FT__AVX512_WIDE
#else
FT__PRIV void ft__kernels_avx512(ft__kernels *k) { (void)k; }
#endif
