/* Encoders of the block formats whose scales are worth a search.  All minimise the plain square error.  What
   the formats share is done once: some numbers x become `scale * level` or `scale * level - min`, where the
   levels are neighbouring integers or a list of 16.  For a set of levels chosen, the best scale and minimum are
   those of linear regression; so a few scales are tried, each rounds x to levels, and regression on these
   tells the error that this rounding can reach.

   Superblocks store the scales (and minimums) of their groups as small integers times one half float.  Each
   group is fitted by itself first; then integers and the common factor are improved by turns: integers by
   trying the neighbours, the factor by regression over all 256.

   Numbers beyond +-1e15 and those that are none are brought to what can be computed with; F16 scales end
   before that anyway. */
#include "num.h"

typedef struct ft__encode_levels {
    int lowest, highest;
    const int8_t *list; /* 16 ascending ones, or NULL: all integers between */
} ft__encode_levels;

static void ft__encode_clean(const float *in, int n, float limit, float *out) {
    for (int i = 0; i < n; i++) {
        float x = in[i] < limit ? in[i] : limit; /* false for a NaN, so it goes here */
        out[i] = in[i] != in[i] ? 0 : x > -limit ? x : -limit;
    }
}

/* The level next to y. */
static int ft__encode_nearest(const ft__encode_levels *l, float y) {
    const float shift = 12582912.0f; /* 1.5 * 2^23: the sum has no room for a fraction */
    if (!l->list) {
        if (y <= (float)l->lowest) return l->lowest;
        return y >= (float)l->highest ? l->highest : (int)((y + shift) - shift);
    }
    int at = 0;
    for (int step = 8; step > 0; step /= 2)
        if (y + y > (float)(l->list[at + step - 1] + l->list[at + step])) at += step;
    return l->list[at];
}

/* Rounds a number to F16, within its finite range. */
static float ft__encode_half(float x) {
    x = x < 65504.0f ? x : 65504.0f;
    return ft__f16_to_f32(ft__f32_to_f16(x > -65504.0f ? x : -65504.0f));
}

static void ft__encode_put_half(uint8_t *p, float x) {
    uint16_t half = ft__f32_to_f16(x);
    p[0] = (uint8_t)half;
    p[1] = (uint8_t)(half >> 8);
}

/* Square error of x as scale * level - min, with the levels nearest for that. */
static float ft__encode_error(const ft__encode_levels *l, const float *x, int n, float scale, float min,
                              int8_t *codes) {
    const float inverse = scale != 0 ? 1.0f / scale : 0;
    const bool usable = inverse - inverse == 0; /* not infinite */
    float sum = 0;
    for (int i = 0; i < n; i++) {
        int code = ft__encode_nearest(l, usable ? (x[i] + min) * inverse : 0);
        float off = scale * (float)code - min - x[i];
        sum += off * off;
        codes[i] = (int8_t)code;
    }
    return sum;
}

/* ---- one group by itself */

typedef struct ft__encode_fit {
    float scale, min, error;
} ft__encode_fit;

/* Rounds by a scale and takes the regression of what comes out, if that is better than what is there. */
static void ft__encode_try(const ft__encode_levels *l, const float *x, int n, float scale, ft__encode_fit *best) {
    float product = 0, square = 0;
    for (int i = 0; i < n; i++) {
        float level = (float)ft__encode_nearest(l, x[i] * scale);
        product += x[i] * level;
        square += level * level;
    }
    if (!(square > 0) || product * product / square <= -best->error) return;
    best->scale = product / square;
    best->error = -(product * product / square); /* up to the sum of x^2 */
}

/* Without a minimum: the extreme number comes near the first or the last level. */
static ft__encode_fit ft__encode_fit_scale(const ft__encode_levels *l, const float *x, int n) {
    ft__encode_fit best = {0, 0, 0};
    const float gap = l->list ? 23.0f : 1.0f; /* the list's outer levels are that far apart */
    float extreme = 0;
    for (int i = 0; i < n; i++) {
        const float size = x[i] < 0 ? -x[i] : x[i];
        if (size > (extreme < 0 ? -extreme : extreme)) extreme = x[i];
    }
    if (extreme < 1e-30f && extreme > -1e-30f) return best;
    for (int i = -9; i <= 9; i++) {
        ft__encode_try(l, x, n, ((float)l->lowest + gap * 0.12f * (float)i) / extreme, &best);
        ft__encode_try(l, x, n, ((float)l->highest + gap * 0.12f * (float)i) / extreme, &best);
    }
    for (int round = 0; round < 2 && best.scale != 0; round++)
        ft__encode_try(l, x, n, 1.0f / best.scale, &best);
    return best;
}

/* Rounds x by a fit, which learns its error, and takes the regression of x on these levels; a minimum below
   zero becomes zero where that is asked. */
static ft__encode_fit ft__encode_regression(const ft__encode_levels *l, const float *x, int n, ft__encode_fit *from,
                                            bool positive) {
    float level_sum = 0, square = 0, x_sum = 0, product = 0;
    int8_t codes[32];
    from->error = ft__encode_error(l, x, n, from->scale, from->min, codes);
    for (int i = 0; i < n; i++) {
        float level = (float)codes[i];
        level_sum += level, square += level * level;
        x_sum += x[i], product += x[i] * level;
    }
    ft__encode_fit fit = *from;
    const float count = (float)n, determinant = count * square - level_sum * level_sum;
    if (!(determinant > 0)) return fit;
    fit.scale = (count * product - level_sum * x_sum) / determinant;
    fit.min = (level_sum * product - square * x_sum) / determinant;
    if (positive && fit.min < 0) fit.min = 0, fit.scale = product / square;
    return fit;
}

/* With a minimum; levels begin with 0. */
static ft__encode_fit ft__encode_fit_min(const ft__encode_levels *l, const float *x, int n, bool positive) {
    float low = x[0], high = x[0];
    for (int i = 1; i < n; i++) {
        if (x[i] < low) low = x[i];
        if (x[i] > high) high = x[i];
    }
    if (positive && low > 0) low = 0;
    if (positive && high < low) high = low;
    ft__encode_fit best = {(high - low) / (float)l->highest, -low, 0};
    if (!(high - low > 1e-30f)) {
        best.scale = 0;
        return best;
    }
    best.error = -1;
    for (int i = -8; i <= 8; i += 2) {
        ft__encode_fit fit = {(high - low) / ((float)l->highest + 0.1f * (float)i), -low, 0};
        for (int round = 0; round < 4; round++) {
            ft__encode_fit next = ft__encode_regression(l, x, n, &fit, positive);
            if (best.error < 0 || fit.error < best.error) best = fit;
            fit = next;
        }
    }
    return best;
}

/* ---- blocks of 32 */

/* The block's scale as it is stored, and its levels. */
static float ft__encode_block(const ft__encode_levels *l, const float *in, int8_t codes[32]) {
    float x[32];
    ft__encode_clean(in, 32, 1e15f, x);
    float scale = ft__encode_half(ft__encode_fit_scale(l, x, 32).scale);
    ft__encode_error(l, x, 32, scale, 0, codes);
    return scale;
}

static void ft__encode_block_min(const ft__encode_levels *l, const float *in, uint8_t *block, int8_t codes[32]) {
    float x[32];
    ft__encode_clean(in, 32, 1e15f, x);
    ft__encode_fit fit = ft__encode_fit_min(l, x, 32, false);
    const float scale = ft__encode_half(fit.scale), min = ft__encode_half(fit.min);
    ft__encode_error(l, x, 32, scale, min, codes);
    ft__encode_put_half(block, scale);
    ft__encode_put_half(block + 2, -min);
}

static void ft__encode_nibbles(uint8_t *p, const int8_t *codes) {
    for (int j = 0; j < 16; j++) p[j] = (uint8_t)((codes[j] & 15) | (codes[j + 16] & 15) << 4);
}

static void ft__encode_five(uint8_t *p, const int8_t codes[32]) {
    memset(p, 0, 4);
    for (int i = 0; i < 32; i++) p[i / 8] = (uint8_t)(p[i / 8] | (codes[i] >> 4 & 1) << (i % 8));
    ft__encode_nibbles(p + 4, codes);
}

FT__PRIV void ft__encode_q4_1(const float *in, size_t n, void *blocks) {
    const ft__encode_levels levels = {0, 15, NULL};
    uint8_t *p = (uint8_t *)blocks;
    int8_t codes[32];
    for (size_t i = 0; i < n; i += 32, p += 20) {
        ft__encode_block_min(&levels, in + i, p, codes);
        ft__encode_nibbles(p + 4, codes);
    }
}

FT__PRIV void ft__encode_q5_0(const float *in, size_t n, void *blocks) {
    const ft__encode_levels levels = {-16, 15, NULL};
    uint8_t *p = (uint8_t *)blocks;
    int8_t codes[32];
    for (size_t i = 0; i < n; i += 32, p += 22) {
        ft__encode_put_half(p, ft__encode_block(&levels, in + i, codes));
        for (int j = 0; j < 32; j++) codes[j] = (int8_t)(codes[j] + 16);
        ft__encode_five(p + 2, codes);
    }
}

FT__PRIV void ft__encode_q5_1(const float *in, size_t n, void *blocks) {
    const ft__encode_levels levels = {0, 31, NULL};
    uint8_t *p = (uint8_t *)blocks;
    int8_t codes[32];
    for (size_t i = 0; i < n; i += 32, p += 24) {
        ft__encode_block_min(&levels, in + i, p, codes);
        ft__encode_five(p + 4, codes);
    }
}

/* Levels to their places in the list. */
static void ft__encode_places(const int8_t *list, int8_t *codes, int n) {
    for (int i = 0; i < n; i++) {
        int at = 0;
        while (list[at] != codes[i]) at++;
        codes[i] = (int8_t)at;
    }
}

FT__PRIV void ft__encode_iq4_nl(const float *in, size_t n, void *blocks) {
    const ft__encode_levels levels = {-127, 113, ft__unpack_iq4_levels()};
    uint8_t *p = (uint8_t *)blocks;
    int8_t codes[32];
    for (size_t i = 0; i < n; i += 32, p += 18) {
        ft__encode_put_half(p, ft__encode_block(&levels, in + i, codes));
        ft__encode_places(levels.list, codes, 32);
        ft__encode_nibbles(p + 2, codes);
    }
}

/* Square error of a block of MXFP4 with a power of two: 2^(e - 128), levels being doubled. */
static double ft__encode_mxfp4_block(const float *x, int e, int8_t codes[32]) {
    static const int8_t list[16] = {-128, -12, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12};
    const ft__encode_levels levels = {-12, 12, list}; /* the first is never nearest: y is at least -16 */
    const float scale = ft__float_of(e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23);
    double sum = 0;
    for (int i = 0; i < 32; i++) {
        double y = (double)x[i] / (double)scale;
        if (y > 16) y = 16;
        if (y < -16) y = -16;
        codes[i] = (int8_t)ft__encode_nearest(&levels, (float)y);
        double off = (double)codes[i] * (double)scale - (double)x[i];
        sum += off * off;
    }
    return sum;
}

FT__PRIV void ft__encode_mxfp4(const float *in, size_t n, void *blocks) {
    uint8_t *p = (uint8_t *)blocks;
    for (size_t i = 0; i < n; i += 32, p += 17) {
        float x[32];
        uint32_t most = 0;
        int8_t codes[32], found[32];
        double least = -1;
        ft__encode_clean(in + i, 32, 3e38f, x);
        for (int j = 0; j < 32; j++)
            if ((ft__bits_of(x[j]) & 0x7FFFFFFFu) > most) most = ft__bits_of(x[j]) & 0x7FFFFFFFu;
        for (int e = (int)(most >> 23) - 3; e <= (int)(most >> 23); e++) { /* the extreme at 2 and more */
            const int within = e < 0 ? 0 : e > 252 ? 252 : e;              /* beyond, 6 is infinite */
            const double error = ft__encode_mxfp4_block(x, within, codes);
            if (least >= 0 && error >= least) continue;
            least = error;
            p[0] = (uint8_t)within;
            memcpy(found, codes, sizeof found);
        }
        ft__encode_places(ft__unpack_mxfp4_levels(), found, 32);
        ft__encode_nibbles(p + 1, found);
    }
}

/* ---- superblocks */

typedef struct ft__encode_shape {
    ft__encode_levels levels;
    int group;                 /* elements that share an integer scale */
    int lowest, highest;       /* of the integer scales; minimums are 0..highest */
    bool with_min;
} ft__encode_shape;

typedef struct ft__encode_super {
    float d, d_min, error;
    int scale[16], min[16];
    int8_t codes[256];
} ft__encode_super;

static int ft__encode_integer(float x, float factor, int lowest, int highest) {
    const ft__encode_levels all = {lowest, highest, NULL};
    return factor != 0 && x != 0 ? ft__encode_nearest(&all, x / factor) : 0;
}

/* Tries a group's neighbouring integers and keeps the best. */
static float ft__encode_group(const ft__encode_shape *f, const float *x, ft__encode_super *s, int g) {
    const int scale = s->scale[g], min = s->min[g];
    float best = -1;
    int8_t codes[32];
    for (int a = scale - 1; a <= scale + 1; a++) {
        for (int b = f->with_min ? min - 1 : 0; b <= (f->with_min ? min + 1 : 0); b++) {
            if (a < f->lowest || a > f->highest || b < 0 || b > f->highest) continue;
            float error = ft__encode_error(&f->levels, x, f->group, s->d * (float)a, s->d_min * (float)b, codes);
            if (best >= 0 && !(error < best)) continue;
            best = error;
            s->scale[g] = a;
            s->min[g] = b;
            memcpy(s->codes + g * f->group, codes, (size_t)f->group);
        }
    }
    return best;
}

/* d and d_min by regression: x = d a - d_min b, where a = scale * code and b = min. */
static void ft__encode_factors(const ft__encode_shape *f, const float *x, ft__encode_super *s) {
    double aa = 0, ab = 0, bb = 0, xa = 0, xb = 0;
    for (int i = 0; i < 256; i++) {
        const double a = s->scale[i / f->group] * s->codes[i], b = s->min[i / f->group];
        aa += a * a, ab += a * b, bb += b * b;
        xa += (double)x[i] * a, xb += (double)x[i] * b;
    }
    const double determinant = aa * bb - ab * ab;
    if (determinant > 0) {
        s->d = ft__encode_half((float)((xa * bb - xb * ab) / determinant));
        s->d_min = ft__encode_half((float)((xa * ab - xb * aa) / determinant));
    } else if (aa > 0) {
        s->d = ft__encode_half((float)((xa + (double)s->d_min * ab) / aa));
    }
}

static void ft__encode_superblock(const ft__encode_shape *f, const float *in, ft__encode_super *best) {
    ft__encode_super s;
    ft__encode_fit fits[16], most = {0, 0, 0};
    const int n_groups = 256 / f->group;
    float x[256];
    ft__encode_clean(in, 256, 1e15f, x);
    memset(&s, 0, sizeof s);
    *best = s;
    for (int g = 0; g < n_groups; g++) {
        const float *from = x + g * f->group;
        fits[g] = f->with_min ? ft__encode_fit_min(&f->levels, from, f->group, true)
                              : ft__encode_fit_scale(&f->levels, from, f->group);
        const float size = fits[g].scale < 0 ? -fits[g].scale : fits[g].scale;
        if (size > (most.scale < 0 ? -most.scale : most.scale)) most.scale = fits[g].scale;
        if (fits[g].min > most.min) most.min = fits[g].min;
    }
    s.d = ft__encode_half(most.scale / (float)(f->with_min ? f->highest : f->lowest));
    s.d_min = ft__encode_half(most.min / (float)f->highest);
    for (int g = 0; g < n_groups; g++) {
        s.scale[g] = ft__encode_integer(fits[g].scale, s.d, f->lowest, f->highest);
        s.min[g] = ft__encode_integer(fits[g].min, s.d_min, 0, f->highest);
    }
    for (int round = 0; round < 4; round++) {
        s.error = 0;
        for (int g = 0; g < n_groups; g++) s.error += ft__encode_group(f, x + g * f->group, &s, g);
        if (round && !(s.error < best->error)) break;
        *best = s;
        ft__encode_factors(f, x, &s);
    }
}

/* Four groups of 32 two-bit codes to 32 bytes. */
static void ft__encode_pairs(uint8_t *p, const int8_t codes[256]) {
    memset(p, 0, 64);
    for (int i = 0; i < 256; i++) {
        uint8_t *to = &p[i / 128 * 32 + i % 32];
        *to = (uint8_t)(*to | (codes[i] & 3) << (i / 32 % 4 * 2));
    }
}

FT__PRIV void ft__encode_q2_k(const float *in, size_t n, void *blocks) {
    const ft__encode_shape shape = {{0, 3, NULL}, 16, 0, 15, true};
    uint8_t *p = (uint8_t *)blocks;
    ft__encode_super s;
    for (size_t i = 0; i < n; i += 256, p += 84) {
        ft__encode_superblock(&shape, in + i, &s);
        for (int g = 0; g < 16; g++) p[g] = (uint8_t)(s.scale[g] | s.min[g] << 4);
        ft__encode_pairs(p + 16, s.codes);
        ft__encode_put_half(p + 80, s.d);
        ft__encode_put_half(p + 82, s.d_min);
    }
}

FT__PRIV void ft__encode_q3_k(const float *in, size_t n, void *blocks) {
    const ft__encode_shape shape = {{-4, 3, NULL}, 16, -32, 31, false};
    uint8_t *p = (uint8_t *)blocks;
    ft__encode_super s;
    for (size_t i = 0; i < n; i += 256, p += 110) {
        ft__encode_superblock(&shape, in + i, &s);
        memset(p, 0, 110);
        for (int j = 0; j < 256; j++) {
            s.codes[j] = (int8_t)(s.codes[j] + 4);
            p[j % 32] = (uint8_t)(p[j % 32] | (s.codes[j] >> 2) << (j / 32));
        }
        ft__encode_pairs(p + 32, s.codes);
        for (int g = 0; g < 16; g++) {
            const int scale = s.scale[g] + 32;
            uint8_t *low = &p[96 + g % 8], *high = &p[104 + g % 4];
            *low = (uint8_t)(*low | (scale & 15) << (g / 8 * 4));
            *high = (uint8_t)(*high | (scale >> 4) << (g / 4 * 2));
        }
        ft__encode_put_half(p + 108, s.d);
    }
}

/* The 16 bytes that Q4_K and Q5_K begin with. */
static void ft__encode_k_scales(uint8_t *p, const ft__encode_super *s) {
    ft__encode_put_half(p, s->d);
    ft__encode_put_half(p + 2, s->d_min);
    for (int i = 0; i < 4; i++) {
        p[4 + i] = (uint8_t)(s->scale[i] | (s->scale[i + 4] >> 4) << 6);
        p[8 + i] = (uint8_t)(s->min[i] | (s->min[i + 4] >> 4) << 6);
        p[12 + i] = (uint8_t)((s->scale[i + 4] & 15) | (s->min[i + 4] & 15) << 4);
    }
}

static void ft__encode_k_nibbles(uint8_t *p, const int8_t codes[256]) {
    for (int i = 0; i < 128; i++) {
        const int8_t *from = codes + i / 32 * 64 + i % 32;
        p[i] = (uint8_t)((from[0] & 15) | (from[32] & 15) << 4);
    }
}

FT__PRIV void ft__encode_q4_k(const float *in, size_t n, void *blocks) {
    const ft__encode_shape shape = {{0, 15, NULL}, 32, 0, 63, true};
    uint8_t *p = (uint8_t *)blocks;
    ft__encode_super s;
    for (size_t i = 0; i < n; i += 256, p += 144) {
        ft__encode_superblock(&shape, in + i, &s);
        ft__encode_k_scales(p, &s);
        ft__encode_k_nibbles(p + 16, s.codes);
    }
}

FT__PRIV void ft__encode_q5_k(const float *in, size_t n, void *blocks) {
    const ft__encode_shape shape = {{0, 31, NULL}, 32, 0, 63, true};
    uint8_t *p = (uint8_t *)blocks;
    ft__encode_super s;
    for (size_t i = 0; i < n; i += 256, p += 176) {
        ft__encode_superblock(&shape, in + i, &s);
        ft__encode_k_scales(p, &s);
        memset(p + 16, 0, 32);
        for (int j = 0; j < 256; j++)
            p[16 + j % 32] = (uint8_t)(p[16 + j % 32] | (s.codes[j] >> 4) << (j / 32));
        ft__encode_k_nibbles(p + 48, s.codes);
    }
}

FT__PRIV void ft__encode_q6_k(const float *in, size_t n, void *blocks) {
    const ft__encode_shape shape = {{-32, 31, NULL}, 16, -128, 127, false};
    uint8_t *p = (uint8_t *)blocks;
    ft__encode_super s;
    for (size_t i = 0; i < n; i += 256, p += 210) {
        ft__encode_superblock(&shape, in + i, &s);
        memset(p, 0, 192);
        for (int j = 0; j < 256; j++) {
            const int code = s.codes[j] + 32, half = j / 128, quarter = j / 32 % 4;
            uint8_t *low = &p[64 * half + 32 * (quarter % 2) + j % 32], *high = &p[128 + 32 * half + j % 32];
            *low = (uint8_t)(*low | (code & 15) << (quarter / 2 * 4));
            *high = (uint8_t)(*high | (code >> 4) << (2 * quarter));
        }
        for (int g = 0; g < 16; g++) p[192 + g] = (uint8_t)s.scale[g];
        ft__encode_put_half(p + 208, s.d);
    }
}

FT__PRIV void ft__encode_iq4_xs(const float *in, size_t n, void *blocks) {
    const ft__encode_shape shape = {{-127, 113, ft__unpack_iq4_levels()}, 32, -32, 31, false};
    uint8_t *p = (uint8_t *)blocks;
    ft__encode_super s;
    for (size_t i = 0; i < n; i += 256, p += 136) {
        uint32_t high = 0;
        ft__encode_superblock(&shape, in + i, &s);
        ft__encode_put_half(p, s.d);
        memset(p + 4, 0, 4);
        ft__encode_places(shape.levels.list, s.codes, 256);
        for (int g = 0; g < 8; g++) {
            const int scale = s.scale[g] + 32;
            p[4 + g / 2] = (uint8_t)(p[4 + g / 2] | (scale & 15) << (g % 2 * 4));
            high |= (uint32_t)(scale >> 4) << (2 * g);
            ft__encode_nibbles(p + 8 + 16 * g, s.codes + 32 * g);
        }
        p[2] = (uint8_t)high;
        p[3] = (uint8_t)(high >> 8);
    }
}
