/* The table of tensor formats: every type id a GGUF file may name, what a block of it takes, and,
   for those that ft computes with, how to turn a row into floats and back.  A new format is a new
   row.

   A block format stores `n_elements` neighbours of a row as small integers with one scale.
   Decoding is exact in its order: integer to float, then one product.  Encoders round the scale to
   its stored form first and then choose the integers for that, so they never aim at a scale the
   file lacks.  The simple formats are here; unpack.c reads all others, encode.c writes them. */
#include "num.h"

static uint16_t ft__quant_u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

static void ft__quant_put_u16(uint8_t *p, uint16_t value) {
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static void ft__quant_decode_f32(const void *blocks, size_t n, float *out) {
    memcpy(out, blocks, n * sizeof *out);
}

static void ft__quant_encode_f32(const float *in, size_t n, void *blocks) {
    memcpy(blocks, in, n * sizeof *in);
}

static void ft__quant_decode_f16(const void *blocks, size_t n, float *out) {
    const uint8_t *p = (const uint8_t *)blocks;
    for (size_t i = 0; i < n; i++) out[i] = ft__f16_to_f32(ft__quant_u16(p + 2 * i));
}

static void ft__quant_encode_f16(const float *in, size_t n, void *blocks) {
    uint8_t *p = (uint8_t *)blocks;
    for (size_t i = 0; i < n; i++) ft__quant_put_u16(p + 2 * i, ft__f32_to_f16(in[i]));
}

static void ft__quant_decode_bf16(const void *blocks, size_t n, float *out) {
    const uint8_t *p = (const uint8_t *)blocks;
    for (size_t i = 0; i < n; i++) out[i] = ft__bf16_to_f32(ft__quant_u16(p + 2 * i));
}

static void ft__quant_encode_bf16(const float *in, size_t n, void *blocks) {
    uint8_t *p = (uint8_t *)blocks;
    for (size_t i = 0; i < n; i++) ft__quant_put_u16(p + 2 * i, ft__f32_to_bf16(in[i]));
}

/* The element of 32 that is farthest from zero, with its sign. */
static float ft__quant_extreme(const float *in) {
    float found = 0, most = 0;
    for (int i = 0; i < 32; i++) {
        float size = in[i] < 0 ? -in[i] : in[i];
        if (size > most) most = size, found = in[i];
    }
    return found;
}

/* Stores a block's scale and returns what was stored; beyond F16 it saturates. */
static float ft__quant_put_scale(uint8_t *p, float scale) {
    if (scale > 65504.0f) scale = 65504.0f;
    if (scale < -65504.0f) scale = -65504.0f;
    uint16_t half = ft__f32_to_f16(scale);
    ft__quant_put_u16(p, half);
    return ft__f16_to_f32(half);
}

/* x / scale to the nearest integer, half to even, within the limits; the lowest for a NaN. */
static int ft__quant_nearest(float x, float scale, int lowest, int highest) {
    const float shift = 12582912.0f; /* 1.5 * 2^23: the sum has no room for a fraction */
    float q = scale != 0 ? x / scale : 0;
    if (!(q > (float)lowest)) return lowest;
    if (q >= (float)highest) return highest;
    return (int)((q + shift) - shift);
}

/* Q8_0: f16 scale, 32 int8. */
static void ft__quant_decode_q8_0(const void *blocks, size_t n, float *out) {
    const uint8_t *p = (const uint8_t *)blocks;
    for (size_t i = 0; i < n; i += 32, p += 34) {
        float scale = ft__f16_to_f32(ft__quant_u16(p));
        for (int j = 0; j < 32; j++) out[i + j] = (float)(int8_t)p[2 + j] * scale;
    }
}

static void ft__quant_encode_q8_0(const float *in, size_t n, void *blocks) {
    uint8_t *p = (uint8_t *)blocks;
    for (size_t i = 0; i < n; i += 32, p += 34) {
        float extreme = ft__quant_extreme(in + i);
        float scale = ft__quant_put_scale(p, (extreme < 0 ? -extreme : extreme) / 127.0f);
        for (int j = 0; j < 32; j++)
            p[2 + j] = (uint8_t)ft__quant_nearest(in[i + j], scale, -127, 127);
    }
}

/* Q4_0: f16 scale, 16 bytes; byte j holds elements j (low four bits) and j + 16, each plus 8. */
static void ft__quant_decode_q4_0(const void *blocks, size_t n, float *out) {
    const uint8_t *p = (const uint8_t *)blocks;
    for (size_t i = 0; i < n; i += 32, p += 18) {
        float scale = ft__f16_to_f32(ft__quant_u16(p));
        for (int j = 0; j < 16; j++) {
            out[i + j] = (float)((p[2 + j] & 15) - 8) * scale;
            out[i + j + 16] = (float)((p[2 + j] >> 4) - 8) * scale;
        }
    }
}

/* The integers reach from -8 to 7, so the scale's sign puts the extreme element at -8. */
static void ft__quant_encode_q4_0(const float *in, size_t n, void *blocks) {
    uint8_t *p = (uint8_t *)blocks;
    for (size_t i = 0; i < n; i += 32, p += 18) {
        float scale = ft__quant_put_scale(p, ft__quant_extreme(in + i) / -8.0f);
        for (int j = 0; j < 16; j++) {
            int low = ft__quant_nearest(in[i + j], scale, -8, 7) + 8;
            int high = ft__quant_nearest(in[i + j + 16], scale, -8, 7) + 8;
            p[2 + j] = (uint8_t)(low | high << 4);
        }
    }
}

/* Q4_K: 256 elements; f16 scale and minimum, 8 six-bit scales and minimums in 12 bytes, 128 bytes of
   nibbles: group 2g of 32 in the low ones of 32 bytes, group 2g + 1 in the high ones. */
static void ft__quant_decode_q4_k(const void *blocks, size_t n, float *out) {
    const uint8_t *p = (const uint8_t *)blocks;
    for (size_t i = 0; i < n; i += 256, p += 144) {
        const uint8_t *s = p + 4;
        float d = ft__f16_to_f32(ft__quant_u16(p)), d_min = ft__f16_to_f32(ft__quant_u16(p + 2));
        for (int g = 0; g < 8; g++) {
            int sc = g < 4 ? s[g] & 63 : (s[g + 4] & 15) | (s[g - 4] >> 6) << 4;
            int mn = g < 4 ? s[g + 4] & 63 : s[g + 4] >> 4 | (s[g] >> 6) << 4;
            float scale = d * (float)sc, min = d_min * (float)mn;
            for (int l = 0; l < 32; l++) {
                int code = p[16 + 32 * (g / 2) + l] >> (g % 2 ? 4 : 0) & 15;
                out[i + (size_t)(32 * g + l)] = scale * (float)code - min;
            }
        }
    }
}

/* Q6_K: 256 elements; 128 bytes of low nibbles, 64 bytes of upper two bits, 16 int8 scales, f16 scale.
   In each half of 128, bytes 0..31 hold elements 0..31 (low) and 64..95 (high), bytes 32..63 the others;
   the upper bits of all four lie in one byte. */
static void ft__quant_decode_q6_k(const void *blocks, size_t n, float *out) {
    const uint8_t *p = (const uint8_t *)blocks;
    for (size_t i = 0; i < n; i += 256, p += 210) {
        float scale = ft__f16_to_f32(ft__quant_u16(p + 208));
        for (int j = 0; j < 256; j++) {
            int half = j / 128, quarter = j / 32 % 4, l = j % 32;
            int low = p[64 * half + 32 * (quarter % 2) + l] >> (quarter < 2 ? 0 : 4) & 15;
            int high = p[128 + 32 * half + l] >> (2 * quarter) & 3;
            float factor = scale * (float)(int8_t)p[192 + j / 16];
            out[i + (size_t)j] = factor * (float)((low | high << 4) - 32);
        }
    }
}

/* The formats that unpack.c reads. */
static void ft__quant_decode_blocks(const uint8_t *row, size_t n, float *out,
                                    void (*unpack)(const uint8_t *row, int b, ft__unpacked *to)) {
    ft__unpacked u;
    for (size_t b = 0; b < n / 32; b++) {
        unpack(row, (int)b, &u);
        for (int h = 0; h < 2; h++, out += 16) {
            const float scale = u.scale[h] * (float)u.factor[h], min = u.min * (float)u.min_factor[h];
            for (int i = 0; i < 16; i++) out[i] = scale * (float)u.code[16 * h + i] - min;
        }
    }
}

#define FT__QUANT_DECODE(name, id)                                                                           \
    static void ft__quant_decode_##name(const void *blocks, size_t n, float *out) {                          \
        ft__quant_decode_blocks((const uint8_t *)blocks, n, out, ft__unpack_##name);                         \
    }
FT__UNPACKED(FT__QUANT_DECODE)
#undef FT__QUANT_DECODE

/* A row of a format that unpack.c reads. */
#define FT__QUANT_ROW(id, text, n, bytes, name, encode, layout)                                              \
    {id, text, n, bytes, ft__quant_decode_##name, encode, layout, ft__unpack_##name}
#define FT__QUANT_SIZE(id, text, bytes) {id, text, 1, bytes, NULL, NULL, 0, NULL}
static const ft__format ft__quant_formats[] = {
    {FT__FORMAT_F32, "F32", 1, 4, ft__quant_decode_f32, ft__quant_encode_f32, 0, NULL},
    {FT__FORMAT_F16, "F16", 1, 2, ft__quant_decode_f16, ft__quant_encode_f16, 0, NULL},
    {FT__FORMAT_Q4_0, "Q4_0", 32, 18, ft__quant_decode_q4_0, ft__quant_encode_q4_0, FT__FORMAT_Q4_0, NULL},
    FT__QUANT_ROW(3, "Q4_1", 32, 20, q4_1, ft__encode_q4_1, FT__WIDE_MIN),
    FT__QUANT_ROW(6, "Q5_0", 32, 22, q5_0, ft__encode_q5_0, FT__WIDE),
    FT__QUANT_ROW(7, "Q5_1", 32, 24, q5_1, ft__encode_q5_1, FT__WIDE_MIN),
    {FT__FORMAT_Q8_0, "Q8_0", 32, 34, ft__quant_decode_q8_0, ft__quant_encode_q8_0, FT__FORMAT_Q8_0, NULL},
    FT__QUANT_ROW(10, "Q2_K", 256, 84, q2_k, ft__encode_q2_k, FT__WIDE_MIN),
    FT__QUANT_ROW(11, "Q3_K", 256, 110, q3_k, ft__encode_q3_k, FT__WIDE),
    {FT__FORMAT_Q4_K, "Q4_K", 256, 144, ft__quant_decode_q4_k, ft__encode_q4_k, FT__FORMAT_Q4_K, NULL},
    FT__QUANT_ROW(13, "Q5_K", 256, 176, q5_k, ft__encode_q5_k, FT__WIDE_MIN),
    {FT__FORMAT_Q6_K, "Q6_K", 256, 210, ft__quant_decode_q6_k, ft__encode_q6_k, FT__FORMAT_Q6_K, NULL},
    FT__QUANT_ROW(16, "IQ2_XXS", 256, 66, iq2_xxs, NULL, FT__WIDE),
    FT__QUANT_ROW(17, "IQ2_XS", 256, 74, iq2_xs, NULL, FT__WIDE_FACTORS),
    FT__QUANT_ROW(18, "IQ3_XXS", 256, 98, iq3_xxs, NULL, FT__WIDE),
    FT__QUANT_ROW(19, "IQ1_S", 256, 50, iq1_s, NULL, FT__WIDE),
    FT__QUANT_ROW(20, "IQ4_NL", 32, 18, iq4_nl, ft__encode_iq4_nl, FT__WIDE),
    FT__QUANT_ROW(21, "IQ3_S", 256, 110, iq3_s, NULL, FT__WIDE),
    FT__QUANT_ROW(22, "IQ2_S", 256, 82, iq2_s, NULL, FT__WIDE_FACTORS),
    FT__QUANT_ROW(23, "IQ4_XS", 256, 136, iq4_xs, ft__encode_iq4_xs, FT__WIDE),
    FT__QUANT_SIZE(24, "I8", 1),
    FT__QUANT_SIZE(25, "I16", 2),
    FT__QUANT_SIZE(26, "I32", 4),
    FT__QUANT_SIZE(27, "I64", 8),
    FT__QUANT_SIZE(28, "F64", 8),
    FT__QUANT_ROW(29, "IQ1_M", 256, 56, iq1_m, NULL, FT__WIDE_FACTORS),
    {FT__FORMAT_BF16, "BF16", 1, 2, ft__quant_decode_bf16, ft__quant_encode_bf16, 0, NULL},
    FT__QUANT_ROW(34, "TQ1_0", 256, 54, tq1_0, NULL, FT__WIDE),
    FT__QUANT_ROW(35, "TQ2_0", 256, 66, tq2_0, NULL, FT__WIDE),
    FT__QUANT_ROW(39, "MXFP4", 32, 17, mxfp4, ft__encode_mxfp4, FT__WIDE),
    FT__QUANT_ROW(40, "NVFP4", 64, 36, nvfp4, NULL, FT__WIDE_HALVES),
    FT__QUANT_ROW(41, "Q1_0", 128, 18, q1_0, NULL, FT__WIDE),
    FT__QUANT_ROW(42, "Q2_0", 64, 18, q2_0, NULL, FT__WIDE),
};
#undef FT__QUANT_ROW
#undef FT__QUANT_SIZE

FT__PRIV const ft__format *ft__format_find(uint32_t id) {
    for (size_t i = 0; i < FT__COUNT(ft__quant_formats); i++)
        if (ft__quant_formats[i].id == id) return &ft__quant_formats[i];
    return NULL;
}

FT__PRIV bool ft__format_block(uint32_t type, uint32_t *n_elements, uint32_t *n_bytes) {
    const ft__format *format = ft__format_find(type);
    if (!format) return false;
    *n_elements = format->n_elements;
    *n_bytes = format->n_bytes;
    return true;
}
