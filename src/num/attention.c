/* Attention over a paged cache.  A page holds 64 positions; per head its keys lie
   (head_dim, 64), so that 64 scores are computed side by side, and its values (64, head_dim).

   Softmax is online (Milakov and Gimelshein, 2018) over tiles of 64 keys, within spans of 1024 positions
   that each keep their own maximum, sum and output and are then combined in ascending order: the cut is by
   absolute position, so the bits do not depend on how a prompt was fed or who computes it.  Several tokens
   of a prompt meet a tile together, which saves widening it for each.

   A Q8_0 cache has int8 and behind them float scales, one per position and group of dimensions, by the rule
   that makes activations int8 (num/kern_scalar.c), so that a key is the same whoever computes it. */
#include "num.h"

/* Dimensions that share a scale in a Q8_0 cache. */
static int ft__attention_group(const ft__attention *a) {
    return a->head_dim % FT__BLOCK ? a->head_dim : (int)FT__BLOCK;
}

FT__PRIV size_t ft__attention_head_bytes(const ft__attention *a) {
    const size_t n = (size_t)2 * FT__TILE * (size_t)a->head_dim;
    if (a->type == FT_KV_Q8_0) return n + n / (size_t)ft__attention_group(a) * sizeof(float);
    return n * (a->type == FT_KV_F16 ? 2 : 4);
}

static bool ft__attention_put(const ft__attention *a, uint8_t *to, size_t at, float x) {
    if (a->type == FT_KV_F32) {
        memcpy(to + 4 * at, &x, 4);
        return true;
    }
    uint16_t half = ft__f32_to_f16(x);
    memcpy(to + 2 * at, &half, 2);
    return (half & 0x7C00) != 0x7C00;
}

/* n numbers to int8, `stride` bytes apart, and their scale; false for one that is no number or reaches
   2^126. */
static bool ft__attention_put_q8(const float *x, int n, uint8_t *codes, size_t stride, uint8_t *scale) {
    uint32_t most = 0; /* as bits, where a NaN is the largest */
    for (int i = 0; i < n; i++) {
        uint32_t bits = ft__bits_of(x[i]) & 0x7FFFFFFFu;
        most = bits > most ? bits : most;
    }
    const bool plain = most >= 0x0D800000u && most < 0x7E800000u; /* below 2^-100 counts as zero */
    const float amax = ft__float_of(most), to_int = plain ? 127.0f * ft__recipf(amax) : 0.0f;
    const float step = plain ? amax * (1.0f / 127.0f) : 0.0f;
    for (int i = 0; i < n; i++, codes += stride) {
        float shifted = (plain ? x[i] : 0.0f) * to_int + 12582912.0f; /* 1.5 * 2^23: rounds half to even */
        *codes = (uint8_t)(ft__bits_of(shifted) & 0xFF);
    }
    memcpy(scale, &step, sizeof step);
    return most < 0x7E800000u;
}

/* The key and value of one head. */
static bool ft__attention_store_q8(const ft__attention *a, uint8_t *keys, uint8_t *values, size_t slot,
                                   const float *k, const float *v) {
    const size_t hd = (size_t)a->head_dim, group = (size_t)ft__attention_group(a), n = hd / group;
    uint8_t *key_scales = keys + FT__TILE * hd, *value_scales = values + FT__TILE * hd;
    bool ok = true;
    for (size_t g = 0; g < n; g++) {
        ok &= ft__attention_put_q8(k + g * group, (int)group, keys + g * group * FT__TILE + slot, FT__TILE,
                                   key_scales + (g * FT__TILE + slot) * sizeof(float));
        ok &= ft__attention_put_q8(v + g * group, (int)group, values + slot * hd + g * group, 1,
                                   value_scales + (slot * n + g) * sizeof(float));
    }
    return ok;
}

FT__PRIV bool ft__attention_store(const ft__attention *a, uint8_t *const *pages, int position,
                                  const float *k, const float *v) {
    const size_t hd = (size_t)a->head_dim, slot = (size_t)position % FT__TILE;
    const size_t head_bytes = ft__attention_head_bytes(a);
    uint8_t *head = pages[position / FT__TILE] + a->page_offset;
    bool ok = true;
    for (int h = 0; h < a->n_kv_heads; h++, head += head_bytes, k += hd, v += hd) {
        if (a->type == FT_KV_Q8_0) ok &= ft__attention_store_q8(a, head, head + head_bytes / 2, slot, k, v);
        for (size_t d = 0; d < hd && a->type != FT_KV_Q8_0; d++) {
            ok &= ft__attention_put(a, head, d * FT__TILE + slot, k[d]);
            ok &= ft__attention_put(a, head + head_bytes / 2, slot * hd + d, v[d]);
        }
    }
    return ok;
}

/* What a thread works with; all parts lie in its scratch.  Queries are the heads of all tokens of the block
   that share the KV head, token by token. */
typedef struct ft__attention_work {
    const ft__kernels *k;
    const ft__attention *a;
    const float *keys, *values;  /* (head_dim, 64), (64, head_dim): of the tile */
    float *wide;                 /* both, where they have to be widened */
    const float *q;              /* (group, head_dim) of one token */
    float *s;                    /* (group, 64) */
    float *max, *sum, *out;      /* of the span: (queries), (queries), (queries, head_dim) */
    float *all_max, *all_sum;    /* of the spans before */
    int group;
} ft__attention_work;

FT__PRIV size_t ft__attention_scratch(const ft__attention *a) {
    const size_t hd = (size_t)a->head_dim, group = (size_t)(a->n_heads / a->n_kv_heads);
    const size_t queries = group * FT__ATTENTION_TOKENS;
    return 2 * hd * FT__TILE + group * FT__TILE + queries * (hd + 4);
}

static void ft__attention_lay_out(ft__attention_work *w, float *scratch) {
    const size_t hd = (size_t)w->a->head_dim, group = (size_t)w->group, queries = group * FT__ATTENTION_TOKENS;
    w->wide = scratch;
    w->s = w->wide + 2 * hd * FT__TILE;
    w->out = w->s + group * FT__TILE;
    w->max = w->out + queries * hd;
    w->sum = w->max + queries;
    w->all_max = w->sum + queries;
    w->all_sum = w->all_max + queries;
}

static void ft__attention_widen_q8(const ft__attention *a, const uint8_t *head, float *keys, float *values) {
    const int hd = a->head_dim, group = ft__attention_group(a);
    const uint8_t *half = head + ft__attention_head_bytes(a) / 2;
    const int8_t *k = (const int8_t *)head, *v = (const int8_t *)half;
    const float *k_scale = (const float *)(const void *)(head + FT__TILE * (size_t)hd);
    const float *v_scale = (const float *)(const void *)(half + FT__TILE * (size_t)hd);
    for (int d = 0; d < hd; d++, k += FT__TILE, keys += FT__TILE)
        for (int j = 0; j < FT__TILE; j++) keys[j] = (float)k[j] * k_scale[d / group * FT__TILE + j];
    for (int g = 0; g < FT__TILE * hd / group; g++, v += group, values += group)
        for (int i = 0; i < group; i++) values[i] = (float)v[i] * v_scale[g];
}

static void ft__attention_load(ft__attention_work *w, const uint8_t *head) {
    const int n = w->a->head_dim * FT__TILE;
    if (w->a->type == FT_KV_Q8_0) {
        ft__attention_widen_q8(w->a, head, w->wide, w->wide + n);
        head = (const uint8_t *)w->wide;
    } else if (w->a->type == FT_KV_F16) {
        w->k->widen((const uint16_t *)(const void *)head, w->wide, 2 * n);
        head = (const uint8_t *)w->wide;
    }
    w->keys = (const float *)(const void *)head;
    w->values = w->keys + n;
}

/* cap tanh(s / cap), one by one. */
static void ft__attention_cap(float *s, int n, float cap) {
    const float inverse = ft__recipf(cap);
    for (int j = 0; j < n; j++) s[j] = cap * ft__tanhf(s[j] * inverse);
}

/* Adds keys lo .. hi - 1 of the tile to the spans of one token's heads. */
static void ft__attention_tile(ft__attention_work *w, int token, int lo, int hi) {
    const int hd = w->a->head_dim;
    w->k->scores(w->q, w->group, w->keys, hd, w->a->scale, w->s);
    for (int h = 0; h < w->group; h++) {
        const int at = token * w->group + h;
        float *s = w->s + h * FT__TILE, *out = w->out + (size_t)at * (size_t)hd;
        if (w->a->soft_cap > 0) ft__attention_cap(s + lo, hi - lo, w->a->soft_cap);
        float max = w->k->max(s + lo, hi - lo, w->max[at]);
        float shrink = ft__expf(w->max[at] - max), sum = w->k->softmax(s, lo, hi, max);
        w->sum[at] = w->sum[at] * shrink + sum;
        w->max[at] = max;
        if (shrink != 1.0f) w->k->scale(out, out, shrink, NULL, hd);
    }
    w->k->values(w->out + (size_t)token * (size_t)w->group * (size_t)hd, w->group, w->s, w->values, lo, hi, hd);
}

/* Joins the span to those before it, which stand in `out` (n_heads, head_dim) of the token. */
static void ft__attention_join(ft__attention_work *w, int token, bool first, float *out) {
    const int hd = w->a->head_dim;
    for (int h = 0; h < w->group; h++, out += hd) {
        const int at = token * w->group + h;
        const float *span = w->out + (size_t)at * (size_t)hd;
        float max = first || w->max[at] > w->all_max[at] ? w->max[at] : w->all_max[at];
        float keep = first ? 0 : ft__expf(w->all_max[at] - max), add = first ? 1 : ft__expf(w->max[at] - max);
        w->all_sum[at] = first ? w->sum[at] : w->all_sum[at] * keep + w->sum[at] * add;
        w->all_max[at] = max;
        for (int d = 0; d < hd; d++) out[d] = first ? span[d] : out[d] * keep + span[d] * add;
    }
}

/* A sink is one more score, without a value: it shrinks the shares of the others. */
static void ft__attention_finish(const ft__attention_work *w, int token, const float *sinks, float *out) {
    for (int h = 0; h < w->group; h++, out += w->a->head_dim) {
        const int at = token * w->group + h;
        float share;
        if (sinks) {
            float max = sinks[h] > w->all_max[at] ? sinks[h] : w->all_max[at];
            float keep = ft__expf(w->all_max[at] - max), sink = ft__expf(sinks[h] - max);
            share = keep * ft__recipf(w->all_sum[at] * keep + sink);
        } else {
            share = ft__recipf(w->all_sum[at]);
        }
        w->k->scale(out, out, share, NULL, w->a->head_dim);
    }
}

/* The first position that a token sees. */
static int ft__attention_from(const ft__attention *a, int position) {
    if (a->chunk) return position / a->chunk * a->chunk;
    return a->window && position >= a->window ? position - a->window + 1 : 0;
}

FT__PRIV void ft__attend(const ft__kernels *k, const ft__attention *a, uint8_t *const *pages, int first,
                         int n, int kv_head, const float *q, float *out, float *scratch) {
    ft__attention_work w;
    memset(&w, 0, sizeof w);
    w.k = k;
    w.a = a;
    w.group = a->n_heads / a->n_kv_heads;
    ft__attention_lay_out(&w, scratch);
    const size_t row = (size_t)a->n_heads * (size_t)a->head_dim, hd = (size_t)a->head_dim;
    const size_t at = (size_t)kv_head * (size_t)w.group * hd, queries = (size_t)n * (size_t)w.group;
    const size_t head_offset = a->page_offset + (size_t)kv_head * ft__attention_head_bytes(a);
    const int from = ft__attention_from(a, first); /* nobody sees what is before */
    for (int span = from / FT__SPAN * FT__SPAN; span < first + n; span += FT__SPAN) {
        memset(w.out, 0, queries * hd * sizeof *out);
        for (size_t i = 0; i < queries; i++) w.max[i] = -3.0e38f, w.sum[i] = 0;
        int tile = from > span ? from / FT__TILE * FT__TILE : span;
        for (; tile < first + n && tile < span + FT__SPAN; tile += FT__TILE) {
            ft__attention_load(&w, pages[tile / FT__TILE] + head_offset);
            for (int t = tile < first ? 0 : tile - first; t < n; t++) {
                const int lo = ft__attention_from(a, first + t) - tile, hi = first + t + 1 - tile;
                w.q = q + (size_t)t * row + at;
                if (lo < FT__TILE)
                    ft__attention_tile(&w, t, lo > 0 ? lo : 0, hi < FT__TILE ? hi : (int)FT__TILE);
            }
        }
        for (int t = span < first ? 0 : span - first; t < n; t++) {
            const int t_from = ft__attention_from(a, first + t);
            if (t_from < span + FT__SPAN)
                ft__attention_join(&w, t, t_from / FT__SPAN * FT__SPAN == span, out + (size_t)t * row + at);
        }
    }
    const float *sinks = a->sinks ? a->sinks + (size_t)kv_head * (size_t)w.group : NULL;
    for (int t = 0; t < n; t++) ft__attention_finish(&w, t, sinks, out + (size_t)t * row + at);
}
