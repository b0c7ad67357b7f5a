/* Attention of one token over a paged cache.  A page holds 64 positions; per head its keys lie
   (head_dim, 64), so that 64 scores are computed side by side, and its values (64, head_dim).

   Softmax is online (Milakov and Gimelshein, 2018) over tiles of 64 keys, within spans of 1024 positions
   that each keep their own maximum, sum and output and are then combined in ascending order: the cut is by
   absolute position, so the bits do not depend on how a prompt was fed or who computes it. */
#include "num.h"

enum { FT__ATTENTION_MAX_HEAD = 512 };

typedef struct ft__attention_span {
    float max, sum;
    float *out; /* (head_dim) */
} ft__attention_span;

FT__PRIV size_t ft__attention_head_bytes(const ft__attention *a) {
    return (size_t)2 * FT__TILE * (size_t)a->head_dim * (a->f16 ? 2 : 4);
}

static bool ft__attention_put(const ft__attention *a, uint8_t *to, size_t at, float x) {
    if (!a->f16) {
        memcpy(to + 4 * at, &x, 4);
        return true;
    }
    uint16_t half = ft__f32_to_f16(x);
    memcpy(to + 2 * at, &half, 2);
    return (half & 0x7C00) != 0x7C00;
}

FT__PRIV bool ft__attention_store(const ft__attention *a, uint8_t *const *pages, int position,
                                  const float *k, const float *v) {
    const size_t hd = (size_t)a->head_dim, slot = (size_t)position % FT__TILE;
    const size_t head_bytes = ft__attention_head_bytes(a);
    uint8_t *head = pages[position / FT__TILE] + a->page_offset;
    bool ok = true;
    for (int h = 0; h < a->n_kv_heads; h++, head += head_bytes, k += hd, v += hd) {
        for (size_t d = 0; d < hd; d++) {
            ok &= ft__attention_put(a, head, d * FT__TILE + slot, k[d]);
            ok &= ft__attention_put(a, head + head_bytes / 2, slot * hd + d, v[d]);
        }
    }
    return ok;
}

static float ft__attention_max(const float s[64], int lo, int hi, float max) {
    for (int j = lo; j < hi; j++) max = s[j] > max ? s[j] : max;
    return max;
}

/* Adds the tile's keys lo..hi-1 to the span. */
static void ft__attention_tile(const ft__kernels *k, const ft__attention *a, const uint8_t *head,
                               int lo, int hi, const float *q, ft__attention_span *span) {
    float s[FT__TILE];
    const uint8_t *values = head + ft__attention_head_bytes(a) / 2;
    (a->f16 ? k->scores_f16 : k->scores_f32)(q, head, a->head_dim, a->scale, s);
    float max = ft__attention_max(s, lo, hi, span->max);
    float shrink = ft__expf(span->max - max);
    float sum = k->softmax(s, lo, hi, max);
    span->sum = span->sum * shrink + sum;
    span->max = max;
    for (int d = 0; d < a->head_dim; d++) span->out[d] = span->out[d] * shrink;
    (a->f16 ? k->values_f16 : k->values_f32)(span->out, s, values, lo, hi, a->head_dim);
}

static void ft__attention_combine(ft__attention_span *all, const ft__attention_span *next, int n) {
    float max = next->max > all->max ? next->max : all->max;
    float keep = ft__expf(all->max - max), add = ft__expf(next->max - max);
    all->sum = all->sum * keep + next->sum * add;
    all->max = max;
    for (int d = 0; d < n; d++) all->out[d] = all->out[d] * keep + next->out[d] * add;
}

static void ft__attention_head(const ft__kernels *k, const ft__attention *a, uint8_t *const *pages,
                               size_t head_offset, int position, const float *q, float *out) {
    float rest[FT__ATTENTION_MAX_HEAD];
    ft__attention_span all = {-3.0e38f, 0, out};
    for (int start = 0; start <= position; start += FT__SPAN) {
        ft__attention_span span = {-3.0e38f, 0, start ? rest : out};
        memset(span.out, 0, (size_t)a->head_dim * sizeof *out);
        for (int tile = start; tile <= position && tile < start + FT__SPAN; tile += FT__TILE) {
            int hi = position + 1 - tile < FT__TILE ? position + 1 - tile : (int)FT__TILE;
            ft__attention_tile(k, a, pages[tile / FT__TILE] + head_offset, 0, hi, q, &span);
        }
        if (start) ft__attention_combine(&all, &span, a->head_dim);
        else all = span;
    }
    float share = ft__recipf(all.sum);
    for (int d = 0; d < a->head_dim; d++) out[d] = out[d] * share;
}

FT__PRIV void ft__attend(const ft__kernels *k, const ft__attention *a, uint8_t *const *pages,
                         int position, int kv_head, const float *q, float *out) {
    int group = a->n_heads / a->n_kv_heads;
    size_t offset = a->page_offset + (size_t)kv_head * ft__attention_head_bytes(a);
    for (int h = kv_head * group; h < (kv_head + 1) * group; h++) {
        size_t at = (size_t)h * (size_t)a->head_dim;
        ft__attention_head(k, a, pages, offset, position, q + at, out + at);
    }
}
