/* The scalar kernels' twins for AArch64: NEON, which every such processor has, and the integer dot product
   that most have since ARMv8.2 ("dotprod").  Four rows, keys, dimensions or partial sums lie across a
   register, so no order changes.  A product and a sum of floats stay two instructions (base.h turns fusing
   off, which holds for the intrinsics too), and comparisons select, as in C: the minimum and maximum
   instructions treat a NaN otherwise.

   The dot product is written as a number: assemblers want to be asked for it, each in its own way, and a
   function with a target of its own cannot take in those that follow the user's -mcpu. */
#include "num.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#define FT__NEON_INLINE static inline __attribute__((always_inline))
/* sdot acc.4s, w.16b, x.16b; the symbols turn the names of the chosen registers into their numbers. */
#define FT__DOTPROD_DOT(acc, w, x)                                                                           \
    __asm__(".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n" \
            ".equ .Lft_v\\n, \\n\n"                                                                          \
            ".endr\n\t"                                                                                      \
            ".inst 0x4e809400 + .Lft_%0 + (.Lft_%1 << 5) + (.Lft_%2 << 16)"                                  \
            : "+w"(acc) : "w"(w), "w"(x))

/* gcc moves nothing across this: it would load all of a block first and run out of registers. */
#define FT__NEON_FENCE() __asm__ volatile("")

FT__NEON_INLINE float32x4_t ft__neon_halves(const uint16_t *p) {
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}

/* ---- packed weights: a quarter of a group in a register */

enum { FT__NEON_TOKENS = 3 }; /* of a tile at a time */

/* Quad k of four rows: unsigned codes, but signed ones where they are int8. */
FT__NEON_INLINE int8x16_t ft__neon_quad(const uint8_t *codes, int k, int format) {
    uint8x16_t both = vld1q_u8(codes + 64 * (ft__pack_is_int8(format) ? k : k % 4));
    if (ft__pack_is_int8(format)) return vreinterpretq_s8_u8(veorq_u8(both, vdupq_n_u8(0x80)));
    uint8x16_t code = k < 4 ? vandq_u8(both, vdupq_n_u8(15)) : vshrq_n_u8(both, 4);
    if (format == FT__FORMAT_Q6_K) {
        uint8x16_t bits = vld1q_u8(codes + 256 + 64 * (k / 4));
        bits = vshlq_u8(bits, vdupq_n_s8((int8_t)(4 - 2 * (k % 4)))); /* negative: to the right */
        code = vorrq_u8(code, vandq_u8(bits, vdupq_n_u8(0x30)));
    }
    return vreinterpretq_s8_u8(code);
}

FT__NEON_INLINE int8x16_t ft__neon_four(int32_t quad) { return vreinterpretq_s8_s32(vdupq_n_s32(quad)); }

FT__NEON_INLINE int32x4_t ft__neon_bytes(const uint8_t *p, bool is_signed) {
    uint32_t four;
    memcpy(&four, p, 4);
    uint8x8_t bytes = vcreate_u8(four);
    if (is_signed) return vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(bytes))));
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes))));
}

/* The scales of four rows for one block: of the weights, for Q4_K of the minimums, for Q6_K the integer ones
   of the two halves; for the layouts of int8 codes as ft__avx512_wide_scales. */
typedef struct ft__neon_scales {
    float32x4_t ws, wm;
    int32x4_t s0, s1;
} ft__neon_scales;

FT__NEON_INLINE float32x4_t ft__neon_f16(const uint8_t *p) {
    return ft__neon_halves((const uint16_t *)(const void *)p);
}

FT__NEON_INLINE ft__neon_scales ft__neon_block_scales(const uint8_t *s, int b, int lane, int format) {
    ft__neon_scales to;
    to.wm = vdupq_n_f32(0);
    to.s0 = to.s1 = vdupq_n_s32(0);
    if (format >= FT__WIDE) {
        s += ft__pack_scale_bytes(format) * (size_t)b;
        to.ws = vreinterpretq_f32_u8(vld1q_u8(s + 4 * lane));
        if (format == FT__WIDE_MIN || format == FT__WIDE_HALVES)
            to.wm = vreinterpretq_f32_u8(vld1q_u8(s + 64 + 4 * lane));
        if (format == FT__WIDE_MIN || format == FT__WIDE_FACTORS) {
            s += (format == FT__WIDE_MIN ? 128 : 64) + lane;
            to.s0 = ft__neon_bytes(s, true);
            to.s1 = ft__neon_bytes(s + 16, true);
        }
    } else if (format == FT__FORMAT_Q4_K) {
        s += 320 * (size_t)(b / 8);
        float32x4_t scale = vcvtq_f32_s32(ft__neon_bytes(s + 64 + 16 * (b % 8) + lane, false));
        float32x4_t min = vcvtq_f32_s32(ft__neon_bytes(s + 192 + 16 * (b % 8) + lane, false));
        to.ws = vmulq_f32(ft__neon_f16(s + 2 * lane), scale);
        to.wm = vmulq_f32(ft__neon_f16(s + 32 + 2 * lane), min);
    } else if (format == FT__FORMAT_Q6_K) {
        s += 288 * (size_t)(b / 8);
        to.ws = ft__neon_f16(s + 2 * lane);
        to.s0 = ft__neon_bytes(s + 32 + 32 * (b % 8) + lane, true);
        to.s1 = ft__neon_bytes(s + 48 + 32 * (b % 8) + lane, true);
    } else {
        to.ws = ft__neon_f16(s + 32 * (size_t)b + 2 * lane);
    }
    return to;
}

/* A block's product joins the sum; dot and high are exact sums of codes times activations, the bias still
   inside.  token points at the first word of a token in the block of a tile of n_t. */
FT__NEON_INLINE float32x4_t ft__neon_add(float32x4_t acc, int32x4_t dot, int32x4_t high, ft__neon_scales s,
                                         const int32_t *token, int n_t, int format) {
    const float *floats = (const float *)(const void *)(token + 8 * n_t);
    const int32_t *start = token + 10 * n_t;
    float32x4_t x = vdupq_n_f32(floats[0]);
    if (format == FT__FORMAT_Q4_0) dot = vaddq_s32(dot, vdupq_n_s32(start[0]));
    if (format == FT__FORMAT_Q6_K) {
        dot = vaddq_s32(dot, vdupq_n_s32(4 * start[n_t]));
        high = vaddq_s32(high, vdupq_n_s32(4 * start[2 * n_t]));
    }
    if (format == FT__FORMAT_Q6_K || format == FT__WIDE_FACTORS)
        dot = vaddq_s32(vmulq_s32(dot, s.s0), vmulq_s32(high, s.s1));
    if (format == FT__WIDE_MIN) { /* the tile has -8 times the sums */
        high = vmlaq_s32(vmulq_s32(vdupq_n_s32(start[n_t]), s.s0), vdupq_n_s32(start[2 * n_t]), s.s1);
        high = vshrq_n_s32(high, 3);
    }
    acc = vaddq_f32(acc, vmulq_f32(vmulq_f32(s.ws, x), vcvtq_f32_s32(dot)));
    if (format == FT__WIDE_MIN || format == FT__WIDE_HALVES)
        return vaddq_f32(acc, vmulq_f32(vmulq_f32(s.wm, x), vcvtq_f32_s32(high)));
    if (format != FT__FORMAT_Q4_K) return acc;
    return vsubq_f32(acc, vmulq_f32(vmulq_f32(s.wm, x), vdupq_n_f32(floats[n_t])));
}

/* The two halves of a block's inputs are summed apart. */
FT__NEON_INLINE bool ft__neon_halves_apart(int format) {
    return format == FT__FORMAT_Q6_K || format == FT__WIDE_FACTORS || format == FT__WIDE_HALVES;
}

FT__NEON_INLINE void ft__neon_store(float *to, float32x4_t sum, bool first) {
    vst1q_f32(to, first ? sum : vaddq_f32(vld1q_f32(to), sum));
}

/* Sixteen rows times n_n tokens over one chunk: out = (first ? 0 : out) + sum.  tile points at the first of
   them in a tile of n_t; n_n and format are constants when this is compiled. */
FT__NEON_INLINE void ft__dotprod_tokens(const uint8_t *codes, const uint8_t *scales, int n_blocks,
                                        const int32_t *tile, int n_t, bool first, float *out, size_t ld,
                                        int n_n, int format) {
    const bool apart = ft__neon_halves_apart(format);
    const size_t code_bytes = ft__pack_code_bytes(format);
    float32x4_t acc[4][FT__NEON_TOKENS];
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++)
#pragma GCC unroll 3
        for (int t = 0; t < n_n; t++) acc[v][t] = vdupq_n_f32(0);
    for (int b = 0; b < n_blocks; b++, tile += n_t * FT__TILE_TOKEN_BYTES / 4, codes += code_bytes) {
        int32x4_t dot[4][FT__NEON_TOKENS], high[4][FT__NEON_TOKENS];
#pragma GCC unroll 4
        for (int v = 0; v < 4; v++)
#pragma GCC unroll 3
            for (int t = 0; t < n_n; t++) dot[v][t] = high[v][t] = vdupq_n_s32(0);
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) {
            const int k = ft__pack_is_int8(format) ? i : i / 2 + 4 * (i % 2); /* nibbles: both of a byte */
            int8x16_t quad[4];
            FT__NEON_FENCE();
#pragma GCC unroll 4
            for (int v = 0; v < 4; v++) quad[v] = ft__neon_quad(codes + 16 * v, k, format);
#pragma GCC unroll 3
            for (int t = 0; t < n_n; t++) {
                int8x16_t x = ft__neon_four(tile[k * n_t + t]);
#pragma GCC unroll 4
                for (int v = 0; v < 4; v++) {
                    if (apart && k >= 4) FT__DOTPROD_DOT(high[v][t], quad[v], x);
                    else FT__DOTPROD_DOT(dot[v][t], quad[v], x);
                }
            }
        }
#pragma GCC unroll 4
        for (int v = 0; v < 4; v++) {
            ft__neon_scales s = ft__neon_block_scales(scales, b, 4 * v, format);
#pragma GCC unroll 3
            for (int t = 0; t < n_n; t++)
                acc[v][t] = ft__neon_add(acc[v][t], dot[v][t], high[v][t], s, tile + t, n_t, format);
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++)
#pragma GCC unroll 3
        for (int t = 0; t < n_n; t++) ft__neon_store(out + (size_t)t * ld + 4 * v, acc[v][t], first);
}

/* The same for eight rows, beginning with `lane`, without the dot product.  As many products are summed in 16
   bits as fit: two of int8 (128 * 127), four of Q6_K (63 * 127), and those of a whole block of 4 bits. */
FT__NEON_INLINE void ft__neon_tokens(const uint8_t *codes, const uint8_t *scales, int lane, int n_blocks,
                                     const int32_t *tile, int n_t, bool first, float *out, size_t ld, int n_n,
                                     int format) {
    const bool apart = ft__neon_halves_apart(format);
    const size_t code_bytes = ft__pack_code_bytes(format);
    const int n_fit = ft__pack_is_int8(format) ? 2 : format == FT__FORMAT_Q6_K ? 4 : 8;
    float32x4_t acc[2][FT__NEON_TOKENS];
#pragma GCC unroll 2
    for (int v = 0; v < 2; v++)
#pragma GCC unroll 3
        for (int t = 0; t < n_n; t++) acc[v][t] = vdupq_n_f32(0);
    for (int b = 0; b < n_blocks; b++, tile += n_t * FT__TILE_TOKEN_BYTES / 4, codes += code_bytes) {
        int32x4_t pairs[2][2][2][FT__NEON_TOKENS]; /* [half of the inputs][rows 0 1, rows 2 3] */
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++)
#pragma GCC unroll 3
            for (int t = 0; t < n_n; t++) pairs[i / 4][i / 2 % 2][i % 2][t] = vdupq_n_s32(0);
#pragma GCC unroll 4
        for (int from = 0; from < 8; from += n_fit) {
            int8x16_t quad[8][2];
            FT__NEON_FENCE();
#pragma GCC unroll 8
            for (int k = 0; k < n_fit; k++)
#pragma GCC unroll 2
                for (int v = 0; v < 2; v++)
                    quad[k][v] = ft__neon_quad(codes + 4 * lane + 16 * v, from + k, format);
#pragma GCC unroll 3
            for (int t = 0; t < n_n; t++) {
                int16x8_t sum[2][2];
                FT__NEON_FENCE();
#pragma GCC unroll 8
                for (int k = 0; k < n_fit; k++) {
                    int8x16_t x = ft__neon_four(tile[(from + k) * n_t + t]);
#pragma GCC unroll 2
                    for (int v = 0; v < 2; v++) {
                        if (k == 0) sum[0][v] = sum[1][v] = vdupq_n_s16(0);
                        sum[0][v] = vmlal_s8(sum[0][v], vget_low_s8(quad[k][v]), vget_low_s8(x));
                        sum[1][v] = vmlal_high_s8(sum[1][v], quad[k][v], x);
                    }
                }
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++) {
                    int32x4_t *to = &pairs[apart && from >= 4][i / 2][i % 2][t];
                    *to = vpadalq_s16(*to, sum[i / 2][i % 2]);
                }
            }
        }
#pragma GCC unroll 2
        for (int v = 0; v < 2; v++) {
            ft__neon_scales s = ft__neon_block_scales(scales, b, lane + 4 * v, format);
#pragma GCC unroll 3
            for (int t = 0; t < n_n; t++) {
                int32x4_t dot = vpaddq_s32(pairs[0][0][v][t], pairs[0][1][v][t]);
                int32x4_t high = vpaddq_s32(pairs[1][0][v][t], pairs[1][1][v][t]);
                acc[v][t] = ft__neon_add(acc[v][t], dot, high, s, tile + t, n_t, format);
            }
        }
    }
#pragma GCC unroll 2
    for (int v = 0; v < 2; v++)
#pragma GCC unroll 3
        for (int t = 0; t < n_n; t++) ft__neon_store(out + (size_t)t * ld + lane + 4 * v, acc[v][t], first);
}

/* One group times a tile over one chunk, and all of them. */
typedef void ft__neon_tile_fn(const uint8_t *codes, const uint8_t *scales, int n_blocks,
                              const uint8_t *tile, int n_t, bool first, float *out, size_t ld);

static void ft__neon_packed(const uint8_t *w, size_t group_bytes, int n_groups, const ft__acts *a, float *out,
                            size_t ld, int format, ft__neon_tile_fn *fn) {
    const int n_blocks = a->n_cols / FT__BLOCK, per_chunk = FT__CHUNK / FT__BLOCK;
    const size_t code_bytes = ft__pack_code_bytes(format);
    const size_t scale_bytes = ft__pack_scale_bytes(format);
    for (int g = 0; g < n_groups; g++, w += group_bytes, out += FT__LANES) {
        const uint8_t *scales = w + (size_t)n_blocks * code_bytes;
        for (int b = 0; b < n_blocks; b += per_chunk) {
            const int n = n_blocks - b < per_chunk ? n_blocks - b : per_chunk;
            for (int t = 0; t < a->n_tokens; t += FT__TILE_TOKENS) {
                const int n_t = a->n_tokens - t < FT__TILE_TOKENS ? a->n_tokens - t : (int)FT__TILE_TOKENS;
                const size_t token_blocks = (size_t)t * (size_t)n_blocks + (size_t)n_t * (size_t)b;
                fn(w + (size_t)b * code_bytes, scales + (size_t)b * scale_bytes, n,
                   a->tiles + token_blocks * FT__TILE_TOKEN_BYTES, n_t, b == 0, out + (size_t)t * ld, ld);
            }
        }
    }
}

FT__NEON_INLINE void ft__dotprod_tile(const uint8_t *codes, const uint8_t *scales, int n_blocks,
                                      const uint8_t *tile, int n_t, bool first, float *out, size_t ld,
                                      int format) {
    const int32_t *at = (const int32_t *)(const void *)tile;
    int t = 0;
    for (; t + 3 <= n_t; t += 3, out += 3 * ld)
        ft__dotprod_tokens(codes, scales, n_blocks, at + t, n_t, first, out, ld, 3, format);
    for (; t < n_t; t++, out += ld)
        ft__dotprod_tokens(codes, scales, n_blocks, at + t, n_t, first, out, ld, 1, format);
}

FT__NEON_INLINE void ft__neon_tile(const uint8_t *codes, const uint8_t *scales, int n_blocks,
                                   const uint8_t *tile, int n_t, bool first, float *out, size_t ld,
                                   int format) {
    const int32_t *at = (const int32_t *)(const void *)tile;
    for (int lane = 0; lane < FT__LANES; lane += 8) {
        float *to = out;
        int t = 0;
        for (; t + 3 <= n_t; t += 3, to += 3 * ld)
            ft__neon_tokens(codes, scales, lane, n_blocks, at + t, n_t, first, to, ld, 3, format);
        for (; t < n_t; t++, to += ld)
            ft__neon_tokens(codes, scales, lane, n_blocks, at + t, n_t, first, to, ld, 1, format);
    }
}

/* The kernel of one format for one of the two. */
#define FT__NEON_KERNEL(isa, name, format)                                                                   \
    static void ft__tile_##name##_##isa(const uint8_t *codes, const uint8_t *scales, int n_blocks,           \
                                        const uint8_t *tile, int n_t, bool first, float *out, size_t ld) {   \
        ft__##isa##_tile(codes, scales, n_blocks, tile, n_t, first, out, ld, format);                        \
    }                                                                                                        \
    static void ft__packed_##name##_##isa(const uint8_t *w, size_t group_bytes, int n_groups,                \
                                          const ft__acts *a, float *out, size_t ld) {                        \
        ft__neon_packed(w, group_bytes, n_groups, a, out, ld, format, ft__tile_##name##_##isa);              \
    }
FT__NEON_KERNEL(neon, q8_0, FT__FORMAT_Q8_0)
FT__NEON_KERNEL(neon, q4_0, FT__FORMAT_Q4_0)
FT__NEON_KERNEL(neon, q4_k, FT__FORMAT_Q4_K)
FT__NEON_KERNEL(neon, q6_k, FT__FORMAT_Q6_K)
FT__NEON_KERNEL(neon, wide, FT__WIDE)
FT__NEON_KERNEL(neon, wide_min, FT__WIDE_MIN)
FT__NEON_KERNEL(neon, wide_factors, FT__WIDE_FACTORS)
FT__NEON_KERNEL(neon, wide_halves, FT__WIDE_HALVES)
FT__NEON_KERNEL(dotprod, q8_0, FT__FORMAT_Q8_0)
FT__NEON_KERNEL(dotprod, q4_0, FT__FORMAT_Q4_0)
FT__NEON_KERNEL(dotprod, q4_k, FT__FORMAT_Q4_K)
FT__NEON_KERNEL(dotprod, q6_k, FT__FORMAT_Q6_K)
FT__NEON_KERNEL(dotprod, wide, FT__WIDE)
FT__NEON_KERNEL(dotprod, wide_min, FT__WIDE_MIN)
FT__NEON_KERNEL(dotprod, wide_factors, FT__WIDE_FACTORS)
FT__NEON_KERNEL(dotprod, wide_halves, FT__WIDE_HALVES)

/* ---- activations to int8; see the scalar twin */

static void ft__quantize_neon(const float *x, int n, int8_t *q, float *scale) {
    for (int b = 0; b < n / FT__BLOCK; b++, x += FT__BLOCK, q += FT__BLOCK) {
        uint32x4_t most = vdupq_n_u32(0);
        for (int i = 0; i < FT__BLOCK; i += 4) {
            uint32x4_t bits = vreinterpretq_u32_f32(vld1q_f32(x + i));
            most = vmaxq_u32(most, vandq_u32(bits, vdupq_n_u32(0x7FFFFFFFu)));
        }
        const uint32_t bits = vmaxvq_u32(most);
        if (bits < 0x0D800000u || bits >= 0x7E800000u) {
            scale[b] = ft__float_of(bits < 0x7E800000u ? 0 : 0x7FC00000u);
            memset(q, 0, FT__BLOCK);
            continue;
        }
        const float amax = ft__float_of(bits);
        const float32x4_t to_int = vdupq_n_f32(127.0f * ft__recipf(amax));
        scale[b] = amax * (1.0f / 127.0f);
        for (int i = 0; i < FT__BLOCK; i += 8) {
            int16x4_t half[2];
            for (int h = 0; h < 2; h++) {
                float32x4_t product = vmulq_f32(vld1q_f32(x + i + 4 * h), to_int);
                float32x4_t shifted = vaddq_f32(product, vdupq_n_f32(12582912.0f));
                half[h] = vmovn_s32(vsubq_s32(vreinterpretq_s32_f32(shifted), vdupq_n_s32(0x4B400000)));
            }
            vst1_s8(q + i, vmovn_s16(vcombine_s16(half[0], half[1])));
        }
    }
}

static void ft__tile_neon(const int8_t *q, const float *scale, int n_cols, int n, uint8_t *tile) {
    const int n_blocks = n_cols / FT__BLOCK;
    for (int b = 0; b < n_blocks; b++, tile += n * FT__TILE_TOKEN_BYTES) {
        int32_t *words = (int32_t *)(void *)tile, *start = words + 10 * n;
        float *floats = (float *)(void *)(words + 8 * n);
        for (int t = 0; t < n; t++) {
            const int8_t *from = q + (size_t)t * (size_t)n_cols + b * FT__BLOCK;
            const int32_t low = vaddlvq_s8(vld1q_s8(from)), high = vaddlvq_s8(vld1q_s8(from + 16));
            for (int k = 0; k < 8; k++) memcpy(&words[k * n + t], from + 4 * k, 4);
            floats[t] = scale[(size_t)t * (size_t)n_blocks + (size_t)b];
            floats[n + t] = (float)(low + high);
            start[t] = -8 * (low + high);
            start[n + t] = -8 * low;
            start[2 * n + t] = -8 * high;
        }
    }
}

/* ---- one element at a time */

static void ft__add_neon(float *x, const float *y, int n) {
    int i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(x + i, vaddq_f32(vld1q_f32(x + i), vld1q_f32(y + i)));
    for (; i < n; i++) x[i] = x[i] + y[i];
}

static void ft__scale_neon(float *out, const float *x, float factor, const float *weight, int n) {
    int i = 0;
    for (; i + 4 <= n; i += 4) {
        float32x4_t scaled = vmulq_f32(vld1q_f32(x + i), vdupq_n_f32(factor));
        vst1q_f32(out + i, weight ? vmulq_f32(scaled, vld1q_f32(weight + i)) : scaled);
    }
    for (; i < n; i++) out[i] = weight ? (x[i] * factor) * weight[i] : x[i] * factor;
}

static void ft__rope_neon(float *x, const float *cs, int n) {
    int i = 0;
    for (; i + 8 <= n; i += 8) {
        float32x4x2_t v = vld2q_f32(x + i), turn = vld2q_f32(cs + i), to;
        to.val[0] = vaddq_f32(vmulq_f32(v.val[0], turn.val[0]), vmulq_f32(v.val[1], vnegq_f32(turn.val[1])));
        to.val[1] = vaddq_f32(vmulq_f32(v.val[0], turn.val[1]), vmulq_f32(v.val[1], turn.val[0]));
        vst2q_f32(x + i, to);
    }
    for (; i < n; i += 2) {
        float a = x[i], b = x[i + 1], c = cs[i], s = cs[i + 1];
        x[i] = a * c + b * -s;
        x[i + 1] = a * s + b * c;
    }
}

static float ft__max_neon(const float *x, int n, float max) {
    float lanes[4];
    float32x4_t most = vdupq_n_f32(max);
    int i = 0;
    for (; i + 4 <= n; i += 4) {
        float32x4_t v = vld1q_f32(x + i);
        most = vbslq_f32(vcgtq_f32(v, most), v, most);
    }
    vst1q_f32(lanes, most);
    for (int k = 0; k < 4; k++) max = lanes[k] > max ? lanes[k] : max;
    for (; i < n; i++) max = x[i] > max ? x[i] : max;
    return max;
}

/* ---- float weights: 64 partial sums in 16 registers */

/* Four weights of a float format. */
FT__NEON_INLINE float32x4_t ft__neon_weights(const uint8_t *row, int i, int format) {
    if (format == FT__FORMAT_F32) return vreinterpretq_f32_u8(vld1q_u8(row + 4 * (size_t)i));
    uint16x4_t half = vreinterpret_u16_u8(vld1_u8(row + 2 * (size_t)i));
    if (format == FT__FORMAT_F16) return vcvt_f32_f16(vreinterpret_f16_u16(half));
    return vreinterpretq_f32_u32(vshll_n_u16(half, 16));
}

/* 64 -> 32 -> ... -> 4 from register to register, then 2 and 1 within the last. */
FT__NEON_INLINE float ft__neon_tree(float32x4_t p[16]) {
#pragma GCC unroll 4
    for (int half = 8; half > 0; half /= 2)
#pragma GCC unroll 8
        for (int g = 0; g < half; g++) p[g] = vaddq_f32(p[g], p[g + half]);
    float32x2_t two = vadd_f32(vget_low_f32(p[0]), vget_high_f32(p[0]));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

/* The last n % 64 elements, through a copy with zeros after it, which add nothing. */
FT__NEON_INLINE void ft__neon_tail(float32x4_t p[16], const uint8_t *row, const float *x, int n, int format) {
    uint8_t w_rest[4 * FT__PARTIALS] = {0};
    float x_rest[FT__PARTIALS] = {0};
    memcpy(w_rest, row, (size_t)n * (format == FT__FORMAT_F32 ? 4 : 2));
    memcpy(x_rest, x, (size_t)n * sizeof *x);
#pragma GCC unroll 16
    for (int g = 0; g < 16; g++)
        p[g] = vaddq_f32(p[g], vmulq_f32(ft__neon_weights(w_rest, 4 * g, format), vld1q_f32(x_rest + 4 * g)));
}

FT__NEON_INLINE float ft__neon_dot(const uint8_t *row, const float *x, int n, int format) {
    float32x4_t p[16];
    int i = 0;
#pragma GCC unroll 16
    for (int g = 0; g < 16; g++) p[g] = vdupq_n_f32(0);
    for (; i + FT__PARTIALS <= n; i += FT__PARTIALS) {
#pragma GCC unroll 16
        for (int g = 0; g < 16; g++) {
            float32x4_t w = ft__neon_weights(row, i + 4 * g, format);
            p[g] = vaddq_f32(p[g], vmulq_f32(w, vld1q_f32(x + i + 4 * g)));
        }
    }
    if (i < n) ft__neon_tail(p, row + (size_t)i * (format == FT__FORMAT_F32 ? 4 : 2), x + i, n - i, format);
    return ft__neon_tree(p);
}

static float ft__sum_squares_neon(const float *x, int n) {
    return ft__neon_dot((const uint8_t *)x, x, n, FT__FORMAT_F32);
}

FT__NEON_INLINE void ft__neon_rows(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                   float *out, size_t ld, int format) {
    for (int r = 0; r < n_rows; r++, w += row_bytes)
        for (int t = 0; t < a->n_tokens; t++)
            out[(size_t)t * ld + (size_t)r] =
                ft__neon_dot(w, a->x + (size_t)t * (size_t)a->n_cols, a->n_cols, format);
}

static void ft__rows_f32_neon(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a, float *out,
                              size_t ld) {
    ft__neon_rows(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_F32);
}

static void ft__rows_f16_neon(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a, float *out,
                              size_t ld) {
    ft__neon_rows(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_F16);
}

static void ft__rows_bf16_neon(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a, float *out,
                               size_t ld) {
    ft__neon_rows(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_BF16);
}

/* ---- low-rank deltas: four outputs side by side, the tree over the rank from register to register */

FT__NEON_INLINE float32x4_t ft__neon_first(const float *p, int n) {
    float four[4] = {0};
    if (n >= 4) return vld1q_f32(p);
    memcpy(four, p, (size_t)n * sizeof *p);
    return vld1q_f32(four);
}

static void ft__low_rank_neon(const float *b, int rank, int n_out, const float *low, int n_tokens,
                              float factor, float *out, size_t ld) {
    const int n_p = rank < FT__PARTIALS ? rank : (int)FT__PARTIALS;
    for (int r = 0; r < n_out; r += 4) {
        const int n = n_out - r < 4 ? n_out - r : 4;
        for (int t = 0; t < n_tokens; t++) {
            const float *x = low + (size_t)t * (size_t)rank;
            float *to = out + (size_t)t * ld + r, four[4];
            float32x4_t p[FT__PARTIALS];
            for (int k = 0; k < n_p; k++) p[k] = vdupq_n_f32(0);
            for (int k = 0; k < rank; k++) {
                float32x4_t w = ft__neon_first(b + (size_t)k * (size_t)n_out + r, n);
                p[k % FT__PARTIALS] = vaddq_f32(p[k % FT__PARTIALS], vmulq_f32(w, vdupq_n_f32(x[k])));
            }
            for (int half = FT__PARTIALS / 2; half > 0; half /= 2) /* the rest are zeros */
                for (int i = 0; i < half && i + half < n_p; i++) p[i] = vaddq_f32(p[i], p[i + half]);
            vst1q_f32(four, vaddq_f32(ft__neon_first(to, n), vmulq_f32(vdupq_n_f32(factor), p[0])));
            memcpy(to, four, (size_t)n * sizeof *to);
        }
    }
}

/* ---- attention */

/* As ft__expf. */
FT__NEON_INLINE float32x4_t ft__neon_exp(float32x4_t x) {
    const float32x4_t most = vdupq_n_f32(88.0f), least = vdupq_n_f32(-87.0f), magic = vdupq_n_f32(12582912.0f);
    const uint32x4_t keep = vcgeq_f32(x, least);
    x = vbslq_f32(vcltq_f32(x, most), x, most);
    x = vbslq_f32(vcgtq_f32(x, least), x, least);
    float32x4_t shifted = vaddq_f32(vmulq_f32(x, vdupq_n_f32(1.44269504f)), magic);
    float32x4_t n = vsubq_f32(shifted, magic);
    float32x4_t r = vsubq_f32(x, vmulq_f32(n, vdupq_n_f32(0.693359375f)));
    r = vsubq_f32(r, vmulq_f32(n, vdupq_n_f32(-2.12194440e-4f)));
    float32x4_t p = vdupq_n_f32(0.0013942160876467824f);
    p = vaddq_f32(vmulq_f32(p, r), vdupq_n_f32(0.008363775908946991f));
    p = vaddq_f32(vmulq_f32(p, r), vdupq_n_f32(0.041666362434625626f));
    p = vaddq_f32(vmulq_f32(p, r), vdupq_n_f32(0.16666573286056519f));
    p = vaddq_f32(vmulq_f32(p, r), vdupq_n_f32(0.5f));
    p = vmulq_f32(p, vmulq_f32(r, r));
    p = vaddq_f32(p, r);
    p = vaddq_f32(p, vdupq_n_f32(1.0f));
    int32x4_t power = vsubq_s32(vreinterpretq_s32_f32(shifted), vdupq_n_s32(0x4B400000 - 127));
    p = vmulq_f32(p, vreinterpretq_f32_s32(vshlq_n_s32(power, 23)));
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(p), keep));
}

/* n_q queries against 16 of the 64 keys. */
FT__NEON_INLINE void ft__neon_scores(const float *q, const float *k, int head_dim, float scale, float *s,
                                     int n_q) {
    float32x4_t sum[4][4];
#pragma GCC unroll 4
    for (int h = 0; h < n_q; h++)
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++) sum[h][g] = vdupq_n_f32(0);
    for (int d = 0; d < head_dim; d++, k += FT__TILE) {
        float32x4_t key[4];
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++) key[g] = vld1q_f32(k + 4 * g);
#pragma GCC unroll 4
        for (int h = 0; h < n_q; h++) {
            float32x4_t x = vdupq_n_f32(q[h * head_dim + d]);
#pragma GCC unroll 4
            for (int g = 0; g < 4; g++) sum[h][g] = vaddq_f32(sum[h][g], vmulq_f32(x, key[g]));
        }
    }
#pragma GCC unroll 4
    for (int h = 0; h < n_q; h++)
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++)
            vst1q_f32(s + h * FT__TILE + 4 * g, vmulq_f32(sum[h][g], vdupq_n_f32(scale)));
}

static void ft__scores_neon(const float *q, int n_q, const float *k, int head_dim, float scale, float *s) {
    for (int j = 0; j < FT__TILE; j += 16) {
        int h = 0;
        for (; h + 4 <= n_q; h += 4)
            ft__neon_scores(q + h * head_dim, k + j, head_dim, scale, s + h * FT__TILE + j, 4);
        for (; h < n_q; h++)
            ft__neon_scores(q + h * head_dim, k + j, head_dim, scale, s + h * FT__TILE + j, 1);
    }
}

static float ft__softmax_neon(float s[64], int lo, int hi, float max) {
    static const int32_t lanes[4] = {0, 1, 2, 3};
    float32x4_t p[16];
    for (int g = 0; g < 16; g++) {
        int32x4_t j = vaddq_s32(vld1q_s32(lanes), vdupq_n_s32(4 * g));
        uint32x4_t seen = vandq_u32(vcgeq_s32(j, vdupq_n_s32(lo)), vcltq_s32(j, vdupq_n_s32(hi)));
        p[g] = ft__neon_exp(vsubq_f32(vld1q_f32(s + 4 * g), vdupq_n_f32(max)));
        p[g] = vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(p[g]), seen));
        vst1q_f32(s + 4 * g, p[g]);
    }
    return ft__neon_tree(p);
}

/* 4 n_g dimensions of n_q outputs in registers while the keys pass. */
FT__NEON_INLINE void ft__neon_values(float *o, const float *p, const float *v, int lo, int hi, int head_dim,
                                     int n_g, int n_q) {
    float32x4_t sum[4][4];
#pragma GCC unroll 4
    for (int h = 0; h < n_q; h++)
#pragma GCC unroll 4
        for (int g = 0; g < n_g; g++) sum[h][g] = vld1q_f32(o + h * head_dim + 4 * g);
    for (int j = lo; j < hi; j++) {
        float32x4_t value[4];
#pragma GCC unroll 4
        for (int g = 0; g < n_g; g++) value[g] = vld1q_f32(v + j * head_dim + 4 * g);
#pragma GCC unroll 4
        for (int h = 0; h < n_q; h++) {
            float32x4_t weight = vdupq_n_f32(p[h * FT__TILE + j]);
#pragma GCC unroll 4
            for (int g = 0; g < n_g; g++) sum[h][g] = vaddq_f32(sum[h][g], vmulq_f32(weight, value[g]));
        }
    }
#pragma GCC unroll 4
    for (int h = 0; h < n_q; h++)
#pragma GCC unroll 4
        for (int g = 0; g < n_g; g++) vst1q_f32(o + h * head_dim + 4 * g, sum[h][g]);
}

static void ft__values_neon(float *o, int n_q, const float *p, const float *v, int lo, int hi, int head_dim) {
    int d = 0;
    for (; d + 16 <= head_dim; d += 16) {
        int h = 0;
        for (; h + 4 <= n_q; h += 4)
            ft__neon_values(o + h * head_dim + d, p + h * FT__TILE, v + d, lo, hi, head_dim, 4, 4);
        for (; h < n_q; h++)
            ft__neon_values(o + h * head_dim + d, p + h * FT__TILE, v + d, lo, hi, head_dim, 4, 1);
    }
    for (; d + 4 <= head_dim; d += 4)
        for (int h = 0; h < n_q; h++)
            ft__neon_values(o + h * head_dim + d, p + h * FT__TILE, v + d, lo, hi, head_dim, 1, 1);
    for (; d < head_dim; d++)
        for (int h = 0; h < n_q; h++)
            for (int j = lo; j < hi; j++)
                o[h * head_dim + d] = o[h * head_dim + d] + p[h * FT__TILE + j] * v[j * head_dim + d];
}

static void ft__widen_neon(const uint16_t *half, float *out, int n) {
    int i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(out + i, ft__neon_halves(half + i));
    for (; i < n; i++) out[i] = ft__f16_to_f32(half[i]);
}

/* ---- silu */

/* As ft__recipf. */
FT__NEON_INLINE float32x4_t ft__neon_recip(float32x4_t x) {
    uint32x4_t guess = vsubq_u32(vdupq_n_u32(0x7EF311C3u), vreinterpretq_u32_f32(x));
    float32x4_t y = vreinterpretq_f32_u32(guess);
    for (int i = 0; i < 3; i++) y = vmulq_f32(y, vsubq_f32(vdupq_n_f32(2.0f), vmulq_f32(x, y)));
    return y;
}

FT__NEON_INLINE float32x4_t ft__neon_silu_mul(float32x4_t gate, float32x4_t up) {
    const float32x4_t most = vdupq_n_f32(80.0f);
    float32x4_t negative = vsubq_f32(vdupq_n_f32(0), gate);
    negative = vbslq_f32(vcltq_f32(negative, most), negative, most);
    float32x4_t below = vaddq_f32(vdupq_n_f32(1.0f), ft__neon_exp(negative));
    return vmulq_f32(vmulq_f32(gate, ft__neon_recip(below)), up);
}

static void ft__silu_mul_neon(float *gate, const float *up, int n) {
    int i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(gate + i, ft__neon_silu_mul(vld1q_f32(gate + i), vld1q_f32(up + i)));
    if (i == n) return;
    float four[4];
    vst1q_f32(four, ft__neon_silu_mul(ft__neon_first(gate + i, n - i), ft__neon_first(up + i, n - i)));
    memcpy(gate + i, four, (size_t)(n - i) * sizeof *gate);
}

/* Block formats as the file has them stay with the reference: packed weights are the fast way. */
FT__PRIV void ft__kernels_neon(ft__kernels *k) {
    static ft__packed_fn *const wide[4] = {ft__packed_wide_neon, ft__packed_wide_min_neon,
                                           ft__packed_wide_factors_neon, ft__packed_wide_halves_neon};
    ft__kernels_wide(k, wide);
    k->packed[FT__FORMAT_Q8_0] = ft__packed_q8_0_neon;
    k->packed[FT__FORMAT_Q4_0] = ft__packed_q4_0_neon;
    k->packed[FT__FORMAT_Q4_K] = ft__packed_q4_k_neon;
    k->packed[FT__FORMAT_Q6_K] = ft__packed_q6_k_neon;
    k->rows[FT__FORMAT_F32] = ft__rows_f32_neon;
    k->rows[FT__FORMAT_F16] = ft__rows_f16_neon;
    k->rows[FT__FORMAT_BF16] = ft__rows_bf16_neon;
    k->quantize = ft__quantize_neon;
    k->tile = ft__tile_neon;
    k->add = ft__add_neon;
    k->scale = ft__scale_neon;
    k->rope = ft__rope_neon;
    k->max = ft__max_neon;
    k->sum_squares = ft__sum_squares_neon;
    k->low_rank = ft__low_rank_neon;
    k->scores = ft__scores_neon;
    k->softmax = ft__softmax_neon;
    k->values = ft__values_neon;
    k->widen = ft__widen_neon;
    k->silu_mul = ft__silu_mul_neon;
}

FT__PRIV void ft__kernels_dotprod(ft__kernels *k) {
    static ft__packed_fn *const wide[4] = {ft__packed_wide_dotprod, ft__packed_wide_min_dotprod,
                                           ft__packed_wide_factors_dotprod, ft__packed_wide_halves_dotprod};
    ft__kernels_wide(k, wide);
    k->packed[FT__FORMAT_Q8_0] = ft__packed_q8_0_dotprod;
    k->packed[FT__FORMAT_Q4_0] = ft__packed_q4_0_dotprod;
    k->packed[FT__FORMAT_Q4_K] = ft__packed_q4_k_dotprod;
    k->packed[FT__FORMAT_Q6_K] = ft__packed_q6_k_dotprod;
}

#undef FT__NEON_INLINE
#undef FT__DOTPROD_DOT
#undef FT__NEON_FENCE
#undef FT__NEON_KERNEL
#else
FT__PRIV void ft__kernels_neon(ft__kernels *k) { (void)k; }
FT__PRIV void ft__kernels_dotprod(ft__kernels *k) { (void)k; }
#endif
