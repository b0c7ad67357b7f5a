/* Weights laid out for the kernels: groups of 16 rows interleaved, so that one register holds the same four
   inputs of 16 rows and each lane sums one row in the contract's order, with no horizontal sum.  One layout
   serves every instruction set: 16 lanes at once, two halves of 8, four quarters of 4.

   A group holds first the codes of all its blocks of 32 inputs, then the scales of all blocks, as the file
   has them.  Codes are unsigned; the kernels subtract the bias (128, 8 or 32) by way of the activations'
   sums, which is exact.  Four codes of a row lie together ("quad" k holds inputs 4k .. 4k + 3):
     Q8_0        8 vectors of 64 bytes: quad k of each row; plus 128
     Q4_0 Q4_K   4 vectors: quad k in the low nibbles, quad k + 4 in the high ones
     Q6_K        4 vectors of nibbles likewise; 2 vectors of upper bits: quad 4h + m in bits 2m, 2m + 1
   Scales per block:      Q8_0 Q4_0   16 f16
   and per eight blocks:  Q4_K        16 f16 d, 16 f16 dmin, [8][16] scales, [8][16] minimums (bytes)
                          Q6_K        16 f16 d, [16][16] scales (int8, one per 16 inputs)
   Rows missing in the last group are zeros.

   All other formats become int8 codes as those of Q8_0, whatever they were in the file: more to read, but one
   kernel for all.  Scales per block, floats except where it says bytes:
     FT__WIDE           [16] scales
     FT__WIDE_MIN       [16] scales, [16] minimums, [2][16] factors of the minimum (bytes)
     FT__WIDE_FACTORS   [16] scales, [2][16] factors of the scale (bytes)
     FT__WIDE_HALVES    [2][16] scales
   Where factors of the scale are few bits (Q2_K, Q3_K) they are multiplied into the codes, which changes no
   integer sum.  Codes and scales are both negated, since those of Q3_K then reach from -124 to 128. */
#include "num.h"

typedef struct ft__pack_row {
    int layout;
    int unit; /* blocks whose scales lie together */
    void (*block)(const ft__format *f, const uint8_t *row, int b, int lane, uint8_t *codes, uint8_t *scales);
} ft__pack_row;

static void ft__pack_q8_0(const ft__format *f, const uint8_t *row, int b, int lane, uint8_t *codes,
                         uint8_t *scales) {
    (void)f;
    const uint8_t *block = row + (size_t)b * 34;
    memcpy(scales + 2 * lane, block, 2);
    for (int k = 0; k < FT__BLOCK; k++) codes[64 * (k / 4) + 4 * lane + k % 4] = block[2 + k] ^ 0x80;
}

/* The file has inputs j and j + 16 in byte j, which is what the vectors want. */
static void ft__pack_q4_0(const ft__format *f, const uint8_t *row, int b, int lane, uint8_t *codes,
                         uint8_t *scales) {
    (void)f;
    const uint8_t *block = row + (size_t)b * 18;
    memcpy(scales + 2 * lane, block, 2);
    for (int j = 0; j < 4; j++) memcpy(codes + 64 * j + 4 * lane, block + 2 + 4 * j, 4);
}

/* Eight 6-bit scales and minimums in 12 bytes. */
static void ft__pack_q4_k(const ft__format *f, const uint8_t *row, int b, int lane, uint8_t *codes,
                         uint8_t *scales) {
    (void)f;
    const uint8_t *block = row + (size_t)(b / 8) * 144, *s = block + 4;
    const int i = b % 8;
    int scale = i < 4 ? s[i] & 63 : (s[i + 4] & 15) | (s[i - 4] >> 6) << 4;
    int min = i < 4 ? s[i + 4] & 63 : s[i + 4] >> 4 | (s[i] >> 6) << 4;
    memcpy(scales + 2 * lane, block, 2);
    memcpy(scales + 32 + 2 * lane, block + 2, 2);
    scales[64 + 16 * i + lane] = (uint8_t)scale;
    scales[192 + 16 * i + lane] = (uint8_t)min;
    const uint8_t *q = block + 16 + 32 * (i / 2);
    for (int j = 0; j < 16; j++) {
        int low = i % 2 ? q[j] >> 4 : q[j] & 15, high = i % 2 ? q[j + 16] >> 4 : q[j + 16] & 15;
        codes[64 * (j / 4) + 4 * lane + j % 4] = (uint8_t)(low | high << 4);
    }
}

static void ft__pack_q6_k(const ft__format *f, const uint8_t *row, int b, int lane, uint8_t *codes,
                         uint8_t *scales) {
    (void)f;
    const uint8_t *block = row + (size_t)(b / 8) * 210;
    const int sub = b % 8, quarter = sub % 4;
    const uint8_t *low = block + 64 * (sub / 4) + 32 * (quarter % 2);
    const uint8_t *high = block + 128 + 32 * (sub / 4);
    memcpy(scales + 2 * lane, block + 208, 2);
    scales[32 + 32 * sub + lane] = block[192 + 2 * sub];
    scales[32 + 32 * sub + 16 + lane] = block[193 + 2 * sub];
    for (int k = 0; k < FT__BLOCK; k++) {
        int nibble = low[k] >> (quarter < 2 ? 0 : 4) & 15, upper = high[k] >> (2 * quarter) & 3;
        int at = 4 * lane + k % 4, quad = k / 4;
        codes[64 * (quad % 4) + at] |= (uint8_t)(nibble << (quad < 4 ? 0 : 4));
        codes[256 + 64 * (quad / 4) + at] |= (uint8_t)(upper << (2 * (quad % 4)));
    }
}

static void ft__pack_wide(const ft__format *f, const uint8_t *row, int b, int lane, uint8_t *codes,
                          uint8_t *scales) {
    ft__unpacked u;
    float values[2];
    f->unpack(row, b, &u);
    const bool fold = f->layout != FT__WIDE_FACTORS;
    values[0] = -u.scale[0];
    values[1] = f->layout == FT__WIDE_HALVES ? -u.scale[1] : u.min;
    memcpy(scales + 4 * lane, &values[0], 4);
    if (f->layout == FT__WIDE_MIN || f->layout == FT__WIDE_HALVES) memcpy(scales + 64 + 4 * lane, &values[1], 4);
    for (int h = 0; h < 2; h++) {
        if (f->layout == FT__WIDE_MIN) scales[128 + 16 * h + lane] = (uint8_t)u.min_factor[h];
        if (!fold) scales[64 + 16 * h + lane] = (uint8_t)u.factor[h];
    }
    for (int k = 0; k < FT__BLOCK; k++) {
        const int code = u.code[k] * (fold ? u.factor[k / 16] : 1);
        codes[64 * (k / 4) + 4 * lane + k % 4] = (uint8_t)(128 - code);
    }
}

static const ft__pack_row ft__pack_rows[] = {
    {FT__FORMAT_Q8_0, 1, ft__pack_q8_0},
    {FT__FORMAT_Q4_0, 1, ft__pack_q4_0},
    {FT__FORMAT_Q4_K, 8, ft__pack_q4_k},
    {FT__FORMAT_Q6_K, 8, ft__pack_q6_k},
    {FT__WIDE, 1, ft__pack_wide},
    {FT__WIDE_MIN, 1, ft__pack_wide},
    {FT__WIDE_FACTORS, 1, ft__pack_wide},
    {FT__WIDE_HALVES, 1, ft__pack_wide},
};

static const ft__pack_row *ft__pack_find(int layout) {
    for (size_t i = 0; i < FT__COUNT(ft__pack_rows); i++)
        if (ft__pack_rows[i].layout == layout) return &ft__pack_rows[i];
    return NULL;
}

FT__PRIV size_t ft__pack_group_bytes(const ft__matrix *w) {
    const int layout = w->format->layout;
    const size_t n_blocks = (size_t)w->n_cols / FT__BLOCK;
    return ft__pack_find(layout) ? n_blocks * (ft__pack_code_bytes(layout) + ft__pack_scale_bytes(layout)) : 0;
}

typedef struct ft__pack_job {
    const ft__matrix *w;
    const ft__pack_row *p;
    uint8_t *out;
    size_t group_bytes;
} ft__pack_job;

static void ft__pack_group(void *user, int group) {
    const ft__pack_job *job = (const ft__pack_job *)user;
    const ft__matrix *w = job->w;
    const ft__pack_row *p = job->p;
    const int n_blocks = w->n_cols / FT__BLOCK;
    const size_t code_bytes = ft__pack_code_bytes(p->layout);
    const size_t unit_bytes = ft__pack_scale_bytes(p->layout) * (size_t)p->unit;
    uint8_t *codes = job->out + (size_t)group * job->group_bytes;
    uint8_t *scales = codes + (size_t)n_blocks * code_bytes;
    memset(codes, 0, job->group_bytes);
    for (int lane = 0; lane < FT__LANES && group * FT__LANES + lane < w->n_rows; lane++) {
        const uint8_t *row = w->data + ((size_t)group * FT__LANES + (size_t)lane) * w->row_bytes;
        for (int b = 0; b < n_blocks; b++)
            p->block(w->format, row, b, lane, codes + (size_t)b * code_bytes,
                     scales + (size_t)(b / p->unit) * unit_bytes);
    }
}

FT__PRIV void ft__pack(ft__pool *pool, const ft__matrix *w, uint8_t *out) {
    ft__pack_job job = {w, ft__pack_find(w->format->layout), out, ft__pack_group_bytes(w)};
    ft__pool_run(pool, ft__pack_group, &job, (w->n_rows + FT__LANES - 1) / FT__LANES);
}
