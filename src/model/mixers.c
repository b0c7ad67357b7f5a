/* Mixers that are not plain attention.  Each takes the layer's normed input and leaves its output in s->h; what
   a later token needs of an earlier one lies in the pages of the cache, so that sequences with the same
   beginning share it like keys and values. */
#include "model.h"

/* ---- latent attention (DeepSeek-AI 2024).  The cache holds one compressed key per token, which is its value as
   well, and a part that turns.  Instead of unfolding it for every head, a query goes through its head's
   unfolding matrix the other way round, and what comes back through the one of the values. */

/* One head's rows of a matrix that holds all heads. */
static ft__linear ft__mixer_head(const ft__linear *all, int head, int n_rows) {
    ft__linear l = *all;
    const size_t first = (size_t)head * (size_t)n_rows;
    l.w.n_rows = n_rows;
    l.w.data += first * l.w.row_bytes;
    if (l.w.packed) l.w.packed += first / FT__LANES * ft__pack_group_bytes(&l.w);
    l.first_row += (int)first;
    return l;
}

/* out[t * ld + r] = row r of the head's matrix . x[t * stride ...]; gathers into s->up. */
static void ft__mixer_through(ft__forward *f, const ft__linear *all, int head, int n_rows, const float *x,
                              size_t stride, float *out, size_t ld) {
    ft__scratch *s = f->scratch;
    const ft__linear l = ft__mixer_head(all, head, n_rows);
    const size_t n_cols = (size_t)l.w.n_cols;
    for (int t = 0; t < f->n_slots; t++)
        memcpy(s->up + (size_t)t * n_cols, x + (size_t)t * stride, n_cols * sizeof(float));
    ft__acts a = ft__forward_rows(f, s->up, &l.w);
    ft__forward_linear(f, &l, &a, s->variants, out, ld);
}

static void ft__mixer_latent_store(void *user, int t) {
    ft__forward *f = (ft__forward *)user;
    const ft_model *m = f->model;
    const ft__layer *at = &m->layers[f->layer];
    const ft__attention *a = &f->scratch->attention[f->layer];
    const size_t hd = (size_t)a->head_dim, r = (size_t)m->kv_rank;
    float *q = f->scratch->q + (size_t)t * (size_t)a->n_heads * hd, *k = f->scratch->k + (size_t)t * hd;
    for (int h = 0; h < a->n_heads; h++) ft__forward_turn(f, t, at->rope, q + (size_t)h * hd + r);
    const float *norm = ft__forward_vector(f, f->slots[t].variant, at->kv_a_norm);
    ft__rms_norm(&m->kernels, k, norm, m->norm_eps, m->kv_rank, k);
    ft__forward_turn(f, t, at->rope, k + r);
    if (!ft__attention_store(a, f->slots[t].pages, f->slots[t].position, k, k))
        __atomic_store_n(&f->overflow, 1, __ATOMIC_RELAXED);
}

/* Queries (n_heads, nope + turned) of every token, into s->wide. */
static void ft__mixer_latent_queries(ft__forward *f, int layer, const ft__acts *a) {
    ft__scratch *s = f->scratch;
    const ft_model *m = f->model;
    const ft__layer *at = &m->layers[layer];
    const ft__linear *q = &at->module[FT__Q];
    if (!m->q_rank) {
        ft__forward_linear(f, q, a, s->variants, s->wide, (size_t)q->w.n_rows);
        return;
    }
    ft__forward_linear(f, &at->q_a, a, s->variants, s->gate, (size_t)m->q_rank);
    ft__forward_input in = ft__forward_input_of(f, s->gate, f->n_slots, m->q_rank, ft__forward_want(&at->q_b.w));
    in.norm = at->q_a_norm;
    in.normed = s->gate;
    ft__acts low = ft__forward_acts(f, in);
    ft__forward_linear(f, &at->q_b, &low, s->variants, s->wide, (size_t)at->q_b.w.n_rows);
}

FT__PRIV void ft__mixer_latent(ft__forward *f, int layer, const ft__acts *a) {
    ft__scratch *s = f->scratch;
    const ft_model *m = f->model;
    const ft__layer *at = &m->layers[layer];
    const ft__attention *shape = &s->attention[layer];
    const int H = shape->n_heads, r = m->kv_rank, turned = shape->head_dim - r;
    const size_t hd = (size_t)shape->head_dim, q_row = (size_t)H * hd;
    const size_t wide_row = (size_t)H * (size_t)(m->nope + turned);
    const ft__linear *o = &at->module[FT__O];
    ft__forward_linear(f, &at->kv_a, a, s->variants, s->k, hd);
    ft__mixer_latent_queries(f, layer, a);
    for (int h = 0; h < H; h++) {
        const float *q = s->wide + (size_t)h * (size_t)(m->nope + turned);
        float *to = s->q + (size_t)h * hd;
        ft__mixer_through(f, &at->k_b, h, r, q, wide_row, to, q_row);
        for (int t = 0; t < f->n_slots; t++)
            memcpy(to + (size_t)t * q_row + r, q + (size_t)t * wide_row + m->nope, (size_t)turned * sizeof(float));
    }
    ft__forward_attend(f, ft__mixer_latent_store);
    for (int h = 0; h < H; h++)
        ft__mixer_through(f, &at->v_b, h, m->v_dim, s->att + (size_t)h * hd, q_row,
                          s->wide + (size_t)h * (size_t)m->v_dim, (size_t)H * (size_t)m->v_dim);
    ft__acts out = ft__forward_rows(f, s->wide, &o->w);
    ft__forward_linear(f, o, &out, s->variants, s->h, (size_t)m->info.n_embd);
}

/* ---- short convolution (LFM2).  The input makes b, c and z; of b z every channel is convolved over the last
   tokens and multiplied by c.  A page keeps b z of its last n_taps - 1 positions, in a ring. */

/* b z of an earlier position, by `lag`: of this batch, of the cache, or NULL before the beginning. */
static const float *ft__mixer_conv_before(const ft__forward *f, int t, int lag) {
    const ft__slot *slot = &f->slots[t];
    const int position = slot->position - lag, n_kept = f->model->n_taps - 1;
    const size_t D = (size_t)f->model->info.n_embd;
    if (position < 0) return NULL;
    if (t >= lag && slot[-lag].pages == slot->pages && slot[-lag].position == position)
        return f->scratch->wide + (size_t)(t - lag) * 3 * D;
    const uint8_t *ring = slot->pages[position / FT__TILE] + f->scratch->attention[f->layer].page_offset;
    return (const float *)(const void *)ring + (size_t)(position % FT__TILE % n_kept) * D;
}

/* One token: b becomes b z, c becomes the output.  Taps in ascending order, one accumulator. */
static void ft__mixer_conv_token(ft__forward *f, int t) {
    const ft_model *m = f->model;
    const ft__slot *slot = &f->slots[t];
    const int D = m->info.n_embd, n_taps = m->n_taps;
    const float *taps = m->layers[f->layer].conv, *before[16];
    float *b = f->scratch->wide + (size_t)t * 3 * (size_t)D, *c = b + D, *z = c + D;
    uint8_t *ring = slot->pages[slot->position / FT__TILE] + f->scratch->attention[f->layer].page_offset;
    for (int lag = 1; lag < n_taps; lag++) before[lag] = ft__mixer_conv_before(f, t, lag);
    for (int d = 0; d < D; d++) {
        float sum = 0;
        b[d] = b[d] * z[d];
        for (int lag = n_taps - 1; lag > 0; lag--)
            if (before[lag]) sum = sum + taps[d * n_taps + n_taps - 1 - lag] * before[lag][d];
        sum = sum + taps[d * n_taps + n_taps - 1] * b[d];
        c[d] = c[d] * sum;
    }
    memcpy(ring + (size_t)(slot->position % FT__TILE % (n_taps - 1)) * (size_t)D * sizeof(float), b,
           (size_t)D * sizeof(float));
}

/* Tokens one after the other: each may overwrite in the ring what the one before has just read. */
FT__PRIV void ft__mixer_conv(ft__forward *f, int layer, const ft__acts *a) {
    ft__scratch *s = f->scratch;
    const ft_model *m = f->model;
    const ft__layer *at = &m->layers[layer];
    const size_t D = (size_t)m->info.n_embd;
    ft__forward_linear(f, &at->conv_in, a, s->variants, s->wide, 3 * D);
    for (int t = 0; t < f->n_slots; t++) ft__mixer_conv_token(f, t);
    for (int t = 0; t < f->n_slots; t++)
        memcpy(s->h + (size_t)t * D, s->wide + (size_t)t * 3 * D + D, D * sizeof(float));
    ft__acts out = ft__forward_rows(f, s->h, &at->conv_out.w);
    ft__forward_linear(f, &at->conv_out, &out, s->variants, s->wide, D);
    memcpy(s->h, s->wide, (size_t)f->n_slots * D * sizeof(float));
}

/* ---- gated delta net (Yang et al. 2024).  Every v head carries a matrix along: a token lets it fade, replaces
   what it holds under the token's key, and reads it by its query.  Before that, q, k and v go through a short
   convolution.  A matrix is too large to be kept for every page, so a sequence has a state of its own: the matrices
   (v heads, size of k, size of v), then the last inputs of the convolution, in a ring. */

static float *ft__mixer_delta_ring(const ft__forward *f, int t, int position) {
    const ft_model *m = f->model;
    const size_t S = (size_t)m->delta_size, V = (size_t)m->n_delta_v * S, C = 2 * (size_t)m->n_delta_k * S + V;
    return f->slots[t].state + f->scratch->state_at[f->layer] + V * S + (size_t)(position % (m->n_taps - 1)) * C;
}

/* One token's heads: convolved, silu, and q and k of length 1 (q of 1 / sqrt(size)). */
static void ft__mixer_delta_token(void *user, int t) {
    const ft__forward *f = (const ft__forward *)user;
    const ft_model *m = f->model;
    const ft__slot *slot = &f->slots[t];
    const int S = m->delta_size, n_k = m->n_delta_k, n_taps = m->n_taps, C = (2 * n_k + m->n_delta_v) * S;
    const float *raw = f->scratch->wide + (size_t)t * (size_t)C, *taps = m->layers[f->layer].conv, *row[16];
    float *out = f->scratch->wide + ((size_t)f->n_slots + (size_t)t) * (size_t)C;
    for (int lag = 0; lag < n_taps; lag++) {
        const bool near = t >= lag && slot[-lag].state == slot->state;
        row[lag] = near ? raw - (size_t)lag * (size_t)C : NULL;
        if (!near && slot->position >= lag) row[lag] = ft__mixer_delta_ring(f, t, slot->position - lag);
    }
    for (int c = 0; c < C; c++) {
        float sum = 0;
        for (int lag = n_taps - 1; lag >= 0; lag--)
            if (row[lag]) sum = sum + taps[c * n_taps + n_taps - 1 - lag] * row[lag][c];
        out[c] = sum * ft__forward_sigmoid(sum);
    }
    const float least = m->norm_eps * m->norm_eps, shorter = (float)(1.0 / ft__sqrt(S));
    for (int h = 0; h < 2 * n_k; h++, out += S) {
        float sum = m->kernels.sum_squares(out, S);
        float factor = ft__rsqrtf(sum > least ? sum : least);
        m->kernels.scale(out, out, h < n_k ? factor * shorter : factor, NULL, S);
    }
}

/* One step of one head's matrix; v becomes the output.  Sums over the key's dimensions ascending. */
static void ft__mixer_delta_step(float *matrix, int S, const float *q, const float *k, float *v, float fade,
                                 float write) {
    float held[256], read[256];
    for (int d = 0; d < S; d++) held[d] = read[d] = 0;
    for (int i = 0; i < S; i++) {
        float *row = matrix + (size_t)i * (size_t)S;
        for (int d = 0; d < S; d++) {
            row[d] = row[d] * fade;
            held[d] = held[d] + row[d] * k[i];
        }
    }
    for (int d = 0; d < S; d++) held[d] = (v[d] - held[d]) * write;
    for (int i = 0; i < S; i++) {
        float *row = matrix + (size_t)i * (size_t)S;
        for (int d = 0; d < S; d++) {
            row[d] = row[d] + k[i] * held[d];
            read[d] = read[d] + row[d] * q[i];
        }
    }
    memcpy(v, read, (size_t)S * sizeof(float));
}

/* exp(a softplus(x)), in double: it is done once for a head and token. */
static float ft__mixer_delta_fade(float a, float x) {
    double soft = x > 30.0f ? (double)x : ft__log(1 + ft__exp((double)x));
    return (float)ft__exp((double)a * soft);
}

/* One v head over all tokens, in their order. */
static void ft__mixer_delta_head(void *user, int head) {
    const ft__forward *f = (const ft__forward *)user;
    const ft_model *m = f->model;
    const ft__layer *at = &m->layers[f->layer];
    const int S = m->delta_size, n_k = m->n_delta_k, n_v = m->n_delta_v, n = f->n_slots;
    const size_t C = (size_t)(2 * n_k + n_v) * (size_t)S, V = (size_t)n_v * (size_t)S, hd = (size_t)S;
    float *mixed = f->scratch->wide + (size_t)n * C, *gate = mixed + (size_t)n * C;
    const float *rate = gate + (size_t)n * V, *write = rate + (size_t)n * (size_t)n_v;
    for (int t = 0; t < n; t++, mixed += C, gate += V, rate += n_v, write += n_v) {
        const float *q = mixed + (size_t)(head % n_k) * hd, *k = q + (size_t)n_k * hd;
        float *v = mixed + (size_t)(2 * n_k + head) * hd, *z = gate + (size_t)head * hd;
        float *matrix = f->slots[t].state + f->scratch->state_at[f->layer] + (size_t)head * hd * hd;
        float fade = ft__mixer_delta_fade(at->delta_decay[head], rate[head] + at->delta_bias[head]);
        ft__mixer_delta_step(matrix, S, q, k, v, fade, ft__forward_sigmoid(write[head]));
        const float *norm = ft__forward_vector(f, f->slots[t].variant, at->delta_norm);
        ft__rms_norm(&m->kernels, v, norm, m->norm_eps, S, v);
        for (int d = 0; d < S; d++) z[d] = v[d] * (z[d] * ft__forward_sigmoid(z[d]));
    }
}

FT__PRIV void ft__mixer_delta(ft__forward *f, int layer, const ft__acts *a) {
    ft__scratch *s = f->scratch;
    const ft_model *m = f->model;
    const ft__layer *at = &m->layers[layer];
    const size_t n = (size_t)f->n_slots, n_v = (size_t)m->n_delta_v, C = (size_t)at->conv_in.w.n_rows;
    const size_t V = n_v * (size_t)m->delta_size;
    float *gate = s->wide + 2 * n * C, *rate = gate + n * V;
    ft__forward_linear(f, &at->conv_in, a, s->variants, s->wide, C);
    ft__forward_linear(f, &at->delta_gate, a, s->variants, gate, V);
    ft__forward_linear(f, &at->delta_rate, a, s->variants, rate, n_v);
    ft__forward_linear(f, &at->delta_write, a, s->variants, rate + n * n_v, n_v);
    ft__forward_share(f, ft__mixer_delta_token, f, f->n_slots, n * C * 20);
    for (int t = 0; t < f->n_slots; t++)
        memcpy(ft__mixer_delta_ring(f, t, f->slots[t].position), s->wide + (size_t)t * C, C * sizeof(float));
    ft__forward_share(f, ft__mixer_delta_head, f, m->n_delta_v, n * V * (size_t)m->delta_size);
    ft__acts out = ft__forward_rows(f, gate, &at->conv_out.w);
    ft__forward_linear(f, &at->conv_out, &out, s->variants, s->h, (size_t)m->info.n_embd);
}

/* ---- own inputs (Gemma 4).  Beside its embedding every token has a short vector for each layer, made of a table's
   row and a map of the embedding; after the gated unit it is gated by x and added. */

/* The own inputs of one token, from its embedding (in s->wide: through the map) and a table. */
static void ft__mixer_own_token(void *user, int t) {
    ft__forward *f = (ft__forward *)user;
    ft__scratch *s = f->scratch;
    const ft_model *m = f->model;
    const size_t P = (size_t)m->n_own, row = P * (size_t)m->info.n_layers, T = (size_t)s->max_tokens;
    const float of_map = (float)(1.0 / ft__sqrt(m->info.n_embd)), of_table = (float)ft__sqrt(m->n_own);
    const float half = 0.70710678f; /* the square root of it */
    const size_t part_bytes = m->own_embedding.w.row_bytes / (size_t)m->info.n_layers;
    float *mapped = s->wide + (size_t)t * row;
    const uint8_t *table = m->own_embedding.w.data + (size_t)f->slots[t].token * m->own_embedding.w.row_bytes;
    const float *norm = ft__forward_vector(f, f->slots[t].variant, m->own_map_norm);
    m->kernels.scale(mapped, mapped, of_map, NULL, (int)row);
    for (size_t layer = 0; layer < (size_t)m->info.n_layers; layer++) {
        float *own = s->own + (layer * T + (size_t)t) * P, *y = mapped + layer * P;
        ft__rms_norm(&m->kernels, y, norm, m->norm_eps, m->n_own, y);
        m->own_embedding.w.format->decode(table + layer * part_bytes, P, own);
        for (size_t i = 0; i < P; i++) own[i] = (y[i] + own[i] * of_table) * half;
    }
}

FT__PRIV void ft__mixer_own_inputs(ft__forward *f) {
    ft__scratch *s = f->scratch;
    const ft_model *m = f->model;
    const ft__matrix *w = &m->own_map.w;
    ft__acts a = ft__forward_rows(f, s->x, w);
    ft__forward_linear(f, &m->own_map, &a, s->variants, s->wide, (size_t)w->n_rows);
    ft__forward_share(f, ft__mixer_own_token, f, f->n_slots, (size_t)f->n_slots * (size_t)w->n_rows * 4);
}

FT__PRIV void ft__mixer_own(ft__forward *f, int layer) {
    ft__scratch *s = f->scratch;
    const ft_model *m = f->model;
    const ft__layer *at = &m->layers[layer];
    unsigned want = ft__forward_want(&at->own_in.w);
    ft__forward_input in = ft__forward_input_of(f, s->x, f->n_slots, m->info.n_embd, want);
    in.add = s->h;
    in.add_norm = at->ffn_post_norm;
    ft__acts a = ft__forward_acts(f, in);
    ft__forward_linear(f, &at->own_in, &a, s->variants, s->gate, (size_t)m->n_own);
    in = ft__forward_input_of(f, s->gate, f->n_slots, m->n_own, ft__forward_want(&at->own_out.w));
    in.up = s->own + (size_t)layer * (size_t)s->max_tokens * (size_t)m->n_own;
    a = ft__forward_acts(f, in);
    ft__forward_linear(f, &at->own_out, &a, s->variants, s->h, (size_t)m->info.n_embd);
}
