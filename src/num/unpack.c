/* Block formats as integers: every format but the four that have kernels of their own (Q8_0 Q4_0 Q4_K Q6_K)
   is read by one function that turns 32 neighbours into int8 codes, a scale, and a minimum where there is
   one.  Decoding, the reference kernels and packing all go by way of it, so a new format is one such function
   and one row of the table in quant.c.  Half floats times these small integers are exact in a float, so it is
   no matter that files of some formats mean (1/2 + s) d / 4 where this says (2 s + 1) (d / 8).

   The formats whose names begin with IQ1, IQ2 and IQ3 look up 8 or 4 elements at once in a grid (iq_tables.h);
   their signs are stored apart. */
#include "num.h"
#include "iq_tables.h"

static uint32_t ft__unpack_u16(const uint8_t *p) { return (uint32_t)(p[0] | p[1] << 8); }
static uint32_t ft__unpack_u32(const uint8_t *p) { return ft__unpack_u16(p) | ft__unpack_u16(p + 2) << 16; }
static float ft__unpack_f16(const uint8_t *p) { return ft__f16_to_f32((uint16_t)ft__unpack_u16(p)); }

/* One scale for all, no minimum. */
static void ft__unpack_scale(ft__unpacked *to, float scale) {
    to->scale[0] = to->scale[1] = scale;
    to->min = 0;
    to->factor[0] = to->factor[1] = to->min_factor[0] = to->min_factor[1] = 1;
}

/* Codes of 16 bytes: byte j holds elements j (low four bits) and j + 16. */
static void ft__unpack_nibbles(ft__unpacked *to, const uint8_t *p) {
    for (int j = 0; j < 16; j++) {
        to->code[j] = (int8_t)(p[j] & 15);
        to->code[j + 16] = (int8_t)(p[j] >> 4);
    }
}

/* Codes of two bits that four groups of 32 share bytes for. */
static void ft__unpack_pairs(ft__unpacked *to, const uint8_t *p, int sub) {
    p += 32 * (sub / 4);
    for (int i = 0; i < 32; i++) to->code[i] = (int8_t)(p[i] >> (2 * (sub % 4)) & 3);
}

static void ft__unpack_subtract(ft__unpacked *to, int bias) {
    for (int i = 0; i < 32; i++) to->code[i] = (int8_t)(to->code[i] - bias);
}

static void ft__unpack_look_up(ft__unpacked *to, const int8_t levels[16]) {
    for (int i = 0; i < 32; i++) to->code[i] = levels[to->code[i]];
}

/* ---- blocks of 32: a scale, then either an offset that is added or none */

FT__PRIV void ft__unpack_q4_1(const uint8_t *row, int b, ft__unpacked *to) {
    const uint8_t *block = row + (size_t)b * 20;
    ft__unpack_scale(to, ft__unpack_f16(block));
    to->min = -ft__unpack_f16(block + 2);
    ft__unpack_nibbles(to, block + 4);
}

/* The fifth bits of all 32 come first. */
static void ft__unpack_five(ft__unpacked *to, const uint8_t *p) {
    const uint32_t high = ft__unpack_u32(p);
    ft__unpack_nibbles(to, p + 4);
    for (int i = 0; i < 32; i++) to->code[i] = (int8_t)(to->code[i] | (int)(high >> i & 1) << 4);
}

FT__PRIV void ft__unpack_q5_0(const uint8_t *row, int b, ft__unpacked *to) {
    const uint8_t *block = row + (size_t)b * 22;
    ft__unpack_scale(to, ft__unpack_f16(block));
    ft__unpack_five(to, block + 2);
    ft__unpack_subtract(to, 16);
}

FT__PRIV void ft__unpack_q5_1(const uint8_t *row, int b, ft__unpacked *to) {
    const uint8_t *block = row + (size_t)b * 24;
    ft__unpack_scale(to, ft__unpack_f16(block));
    to->min = -ft__unpack_f16(block + 2);
    ft__unpack_five(to, block + 4);
}

FT__PRIV const int8_t *ft__unpack_iq4_levels(void) {
    static const int8_t levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
    return levels;
}

FT__PRIV void ft__unpack_iq4_nl(const uint8_t *row, int b, ft__unpacked *to) {
    const uint8_t *block = row + (size_t)b * 18;
    ft__unpack_scale(to, ft__unpack_f16(block));
    ft__unpack_nibbles(to, block + 2);
    ft__unpack_look_up(to, ft__unpack_iq4_levels());
}

FT__PRIV const int8_t *ft__unpack_mxfp4_levels(void) {
    static const int8_t levels[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    return levels;
}

/* The scale is a power of two, 2^(e - 127); half of that here, since the levels are doubled. */
FT__PRIV void ft__unpack_mxfp4(const uint8_t *row, int b, ft__unpacked *to) {
    const uint8_t *block = row + (size_t)b * 17;
    const uint32_t e = block[0];
    ft__unpack_scale(to, ft__float_of(e < 2 ? 0x00200000u << e : (e - 1) << 23));
    ft__unpack_nibbles(to, block + 1);
    ft__unpack_look_up(to, ft__unpack_mxfp4_levels());
}

/* A scale of NVFP4: 4 bits of exponent (bias 7), 3 of fraction, no sign; half of it. */
static float ft__unpack_ue4m3(uint8_t byte) {
    const int e = byte >> 3 & 15, f = byte & 7;
    if ((byte & 127) == 127) return 0; /* the format's NaN */
    if (e == 0) return (float)f * (1.0f / 1024.0f);
    return (float)(8 + f) * ft__float_of((uint32_t)(127 + e - 11) << 23);
}

/* 64 elements: four scales, then 8 bytes for each 16. */
FT__PRIV void ft__unpack_nvfp4(const uint8_t *row, int b, ft__unpacked *to) {
    const uint8_t *block = row + (size_t)(b / 2) * 36, *scales = block + 2 * (b % 2);
    const uint8_t *p = block + 4 + 16 * (b % 2);
    ft__unpack_scale(to, 0);
    for (int h = 0; h < 2; h++) to->scale[h] = ft__unpack_ue4m3(scales[h]);
    for (int j = 0; j < 16; j++) {
        to->code[j / 8 * 16 + j % 8] = (int8_t)(p[j] & 15);
        to->code[j / 8 * 16 + j % 8 + 8] = (int8_t)(p[j] >> 4);
    }
    ft__unpack_look_up(to, ft__unpack_mxfp4_levels());
}

/* ---- few bits */

FT__PRIV void ft__unpack_q1_0(const uint8_t *row, int b, ft__unpacked *to) {
    const uint8_t *block = row + (size_t)(b / 4) * 18;
    const uint32_t bits = ft__unpack_u32(block + 2 + 4 * (b % 4));
    ft__unpack_scale(to, ft__unpack_f16(block));
    for (int i = 0; i < 32; i++) to->code[i] = bits >> i & 1 ? 1 : -1;
}

FT__PRIV void ft__unpack_q2_0(const uint8_t *row, int b, ft__unpacked *to) {
    const uint8_t *block = row + (size_t)(b / 2) * 18, *p = block + 2 + 8 * (b % 2);
    ft__unpack_scale(to, ft__unpack_f16(block));
    for (int i = 0; i < 32; i++) to->code[i] = (int8_t)((p[i / 4] >> (2 * (i % 4)) & 3) - 1);
}

/* Five digits of base 3 in a byte, which holds them as a fraction: the leading digit of byte / 256 comes off
   by multiplying with 3.  Bytes of 32 serve elements 0..159, bytes of 16 those up to 239, four the rest. */
FT__PRIV void ft__unpack_tq1_0(const uint8_t *row, int b, ft__unpacked *to) {
    static const uint8_t power[5] = {1, 3, 9, 27, 81};
    const uint8_t *block = row + (size_t)(b / 8) * 54;
    ft__unpack_scale(to, ft__unpack_f16(block + 52));
    for (int i = 0; i < 32; i++) {
        const int e = 32 * (b % 8) + i, run = e < 160 ? 32 : e < 240 ? 16 : 4;
        const int in_run = e - (e < 160 ? 0 : e < 240 ? 160 : 240), first = e < 160 ? 0 : e < 240 ? 32 : 48;
        const int rest = block[first + in_run % run] * power[in_run / run] & 255;
        to->code[i] = (int8_t)((rest * 3 >> 8) - 1);
    }
}

FT__PRIV void ft__unpack_tq2_0(const uint8_t *row, int b, ft__unpacked *to) {
    const uint8_t *block = row + (size_t)(b / 8) * 66;
    ft__unpack_scale(to, ft__unpack_f16(block + 64));
    ft__unpack_pairs(to, block, b % 8);
    ft__unpack_subtract(to, 1);
}

/* ---- 256 elements with integer scales */

FT__PRIV void ft__unpack_q2_k(const uint8_t *row, int b, ft__unpacked *to) {
    const uint8_t *block = row + (size_t)(b / 8) * 84, *scales = block + 2 * (b % 8);
    ft__unpack_scale(to, ft__unpack_f16(block + 80));
    to->min = ft__unpack_f16(block + 82);
    for (int h = 0; h < 2; h++) {
        to->factor[h] = (int8_t)(scales[h] & 15);
        to->min_factor[h] = (int8_t)(scales[h] >> 4);
    }
    ft__unpack_pairs(to, block + 16, b % 8);
}

/* A third bit of each element first, 4 less where it is missing; scales in 6 bits: nibbles of 8 bytes, then
   four times two bits in each of 4. */
FT__PRIV void ft__unpack_q3_k(const uint8_t *row, int b, ft__unpacked *to) {
    const uint8_t *block = row + (size_t)(b / 8) * 110, *s = block + 96;
    const int sub = b % 8;
    ft__unpack_scale(to, ft__unpack_f16(block + 108));
    for (int h = 0; h < 2; h++) {
        const int i = 2 * sub + h, low = s[i % 8] >> (i < 8 ? 0 : 4) & 15, high = s[8 + i % 4] >> (i / 4 * 2) & 3;
        to->factor[h] = (int8_t)((low | high << 4) - 32);
    }
    ft__unpack_pairs(to, block + 32, sub);
    for (int i = 0; i < 32; i++) to->code[i] = (int8_t)(to->code[i] - (block[i] >> sub & 1 ? 0 : 4));
}

FT__PRIV void ft__unpack_q5_k(const uint8_t *row, int b, ft__unpacked *to) {
    const uint8_t *block = row + (size_t)(b / 8) * 176, *s = block + 4, *p = block + 48 + 32 * (b % 8 / 2);
    const int i = b % 8;
    const int scale = i < 4 ? s[i] & 63 : (s[i + 4] & 15) | (s[i - 4] >> 6) << 4;
    const int min = i < 4 ? s[i + 4] & 63 : s[i + 4] >> 4 | (s[i] >> 6) << 4;
    ft__unpack_scale(to, ft__unpack_f16(block) * (float)scale);
    to->min = ft__unpack_f16(block + 2) * (float)min;
    for (int j = 0; j < 32; j++)
        to->code[j] = (int8_t)((p[j] >> (i % 2 * 4) & 15) | (block[16 + j] >> i & 1) << 4);
}

FT__PRIV void ft__unpack_iq4_xs(const uint8_t *row, int b, ft__unpacked *to) {
    const uint8_t *block = row + (size_t)(b / 8) * 136;
    const int sub = b % 8, low = block[4 + sub / 2] >> (sub % 2 * 4) & 15;
    const int high = (int)(ft__unpack_u16(block + 2) >> (2 * sub) & 3);
    ft__unpack_scale(to, ft__unpack_f16(block) * (float)((low | high << 4) - 32));
    ft__unpack_nibbles(to, block + 8 + 16 * sub);
    ft__unpack_look_up(to, ft__unpack_iq4_levels());
}

/* ---- grids */

/* Bit i of signs: element i is negative. */
static void ft__unpack_signs(int8_t *code, int n, uint32_t signs) {
    for (int i = 0; i < n; i++) { /* no branch: signs are random */
        const int negative = (int)(signs >> i & 1);
        code[i] = (int8_t)((code[i] ^ -negative) + negative);
    }
}

/* Seven signs; the eighth makes the number of negative elements even. */
static uint32_t ft__unpack_even(uint32_t seven) {
    uint32_t odd = seven ^ seven >> 4;
    odd ^= odd >> 2;
    odd ^= odd >> 1;
    return seven | (odd & 1) << 7;
}

static void ft__unpack_grid2(int8_t code[8], uint32_t entry, uint32_t signs) {
    static const int8_t levels[4] = {8, 25, 43, 0};
    for (int i = 0; i < 8; i++) code[i] = levels[entry >> (2 * i) & 3];
    ft__unpack_signs(code, 8, signs);
}

/* Factors 2 s + 1 of the two nibbles of a byte. */
static void ft__unpack_odd_factors(ft__unpacked *to, uint8_t nibbles) {
    to->factor[0] = (int8_t)(2 * (nibbles & 15) + 1);
    to->factor[1] = (int8_t)(2 * (nibbles >> 4) + 1);
}

FT__PRIV void ft__unpack_iq2_xxs(const uint8_t *row, int b, ft__unpacked *to) {
    const uint8_t *block = row + (size_t)(b / 8) * 66, *p = block + 2 + 8 * (b % 8);
    const uint32_t bits = ft__unpack_u32(p + 4);
    ft__unpack_scale(to, ft__unpack_f16(block) * 0.125f * (float)(2 * (bits >> 28) + 1));
    for (int i = 0; i < 4; i++)
        ft__unpack_grid2(to->code + 8 * i, ft__iq2_xxs_grid[p[i]], ft__unpack_even(bits >> (7 * i) & 127));
}

FT__PRIV void ft__unpack_iq2_xs(const uint8_t *row, int b, ft__unpacked *to) {
    const uint8_t *block = row + (size_t)(b / 8) * 74, *p = block + 2 + 8 * (b % 8);
    ft__unpack_scale(to, ft__unpack_f16(block) * 0.125f);
    ft__unpack_odd_factors(to, block[66 + b % 8]);
    for (int i = 0; i < 4; i++) {
        const uint32_t bits = ft__unpack_u16(p + 2 * i);
        ft__unpack_grid2(to->code + 8 * i, ft__iq2_xs_grid[bits & 511], ft__unpack_even(bits >> 9));
    }
}

FT__PRIV void ft__unpack_iq2_s(const uint8_t *row, int b, ft__unpacked *to) {
    const uint8_t *block = row + (size_t)(b / 8) * 82, *p = block + 2 + 4 * (b % 8);
    const int high = block[66 + b % 8];
    ft__unpack_scale(to, ft__unpack_f16(block) * 0.125f);
    ft__unpack_odd_factors(to, block[74 + b % 8]);
    for (int i = 0; i < 4; i++)
        ft__unpack_grid2(to->code + 8 * i, ft__iq2_s_grid[p[i] | (high >> (2 * i) & 3) << 8], p[32 + i]);
}

FT__PRIV void ft__unpack_iq3_xxs(const uint8_t *row, int b, ft__unpacked *to) {
    static const int8_t levels[8] = {4, 12, 20, 28, 36, 44, 52, 62};
    const uint8_t *block = row + (size_t)(b / 8) * 98, *p = block + 2 + 8 * (b % 8);
    const uint32_t bits = ft__unpack_u32(block + 66 + 4 * (b % 8));
    ft__unpack_scale(to, ft__unpack_f16(block) * 0.25f * (float)(2 * (bits >> 28) + 1));
    for (int i = 0; i < 32; i++) to->code[i] = levels[ft__iq3_xxs_grid[p[i / 4]] >> (3 * (i % 4)) & 7];
    for (int i = 0; i < 4; i++) ft__unpack_signs(to->code + 8 * i, 8, ft__unpack_even(bits >> (7 * i) & 127));
}

FT__PRIV void ft__unpack_iq3_s(const uint8_t *row, int b, ft__unpacked *to) {
    const int sub = b % 8;
    const uint8_t *block = row + (size_t)(b / 8) * 110, *p = block + 2 + 8 * sub;
    const int scale = block[106 + sub / 2] >> (sub % 2 * 4) & 15, high = block[66 + sub];
    ft__unpack_scale(to, ft__unpack_f16(block) * (float)(2 * scale + 1));
    for (int i = 0; i < 32; i++) {
        const uint32_t entry = ft__iq3_s_grid[p[i / 4] | (high >> (i / 4) & 1) << 8];
        to->code[i] = (int8_t)(2 * (entry >> (3 * (i % 4)) & 7) + 1);
    }
    ft__unpack_signs(to->code, 32, ft__unpack_u32(block + 74 + 4 * sub));
}

/* The grid's digits -1, 0, 1, and 1/8 more or less: all times 8. */
static void ft__unpack_grid1(int8_t code[8], int index, bool less) {
    const uint32_t entry = ft__iq1_s_grid[index];
    for (int i = 0; i < 8; i++) code[i] = (int8_t)(8 * (int)(entry >> (2 * i) & 3) - (less ? 9 : 7));
}

FT__PRIV void ft__unpack_iq1_s(const uint8_t *row, int b, ft__unpacked *to) {
    const uint8_t *block = row + (size_t)(b / 8) * 50, *p = block + 2 + 4 * (b % 8);
    const int bits = (int)ft__unpack_u16(block + 34 + 2 * (b % 8));
    ft__unpack_scale(to, ft__unpack_f16(block) * 0.125f * (float)(2 * (bits >> 12 & 7) + 1));
    for (int i = 0; i < 4; i++)
        ft__unpack_grid1(to->code + 8 * i, p[i] | (bits >> (3 * i) & 7) << 8, bits >> 15 != 0);
}

/* The scale's four nibbles lie on top of the four words of 3-bit factors. */
FT__PRIV void ft__unpack_iq1_m(const uint8_t *row, int b, ft__unpacked *to) {
    const int sub = b % 8;
    const uint8_t *block = row + (size_t)(b / 8) * 56, *p = block + 4 * sub, *high = block + 32 + 2 * sub;
    uint32_t half = 0;
    for (int i = 0; i < 4; i++) half |= ft__unpack_u16(block + 48 + 2 * i) >> 12 << (4 * i);
    ft__unpack_scale(to, ft__f16_to_f32((uint16_t)half) * 0.125f);
    for (int h = 0; h < 2; h++) {
        const int i = 2 * sub + h, factor = (int)(ft__unpack_u16(block + 48 + i / 4 * 2) >> (3 * (i % 4)) & 7);
        to->factor[h] = (int8_t)(2 * factor + 1);
    }
    for (int i = 0; i < 4; i++) {
        const int nibble = high[i / 2] >> (i % 2 * 4) & 15;
        ft__unpack_grid1(to->code + 8 * i, p[i] | (nibble & 7) << 8, nibble >> 3 != 0);
    }
}
