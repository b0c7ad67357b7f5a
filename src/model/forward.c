/* The forward pass of a batch: tokens of any sequences, at any positions, under any variants, together.
   Whatever is computed for a token depends on that token's sequence alone, so a batch changes speed and
   never a bit.  Tokens of one variant lie next to each other, so that its low-rank deltas take one
   contiguous piece of the batch.

   One pass serves all architectures: what a layer has not is NULL, a factor that changes nothing is 1. */
#include "model.h"

enum { FT__FORWARD_SMALL = 1 << 14 }; /* operations below which waking threads costs more */

/* Where each layer's keys and values lie in a page, and what a sequence carries along. */
static void ft__scratch_pages(ft__scratch *s, const ft_model *m, ft_kv_type kv) {
    const size_t S = (size_t)m->delta_size, V = (size_t)m->n_delta_v * S;
    s->page_bytes = s->n_state = 0;
    for (int i = 0; i < m->info.n_layers; i++) {
        ft__attention *a = &s->attention[i];
        *a = m->layers[i].attention;
        a->type = kv;
        a->page_offset = s->page_bytes;
        s->state_at[i] = s->n_state;
        if (m->layers[i].mixer == FT__MIXER_DELTA)
            s->n_state += V * S + (size_t)(m->n_taps - 1) * (2 * (size_t)m->n_delta_k * S + V);
        else if (m->layers[i].kv_from >= 0) a->page_offset = s->attention[m->layers[i].kv_from].page_offset;
        else if (m->layers[i].mixer == FT__MIXER_CONV)
            s->page_bytes += ((size_t)(m->n_taps - 1) * (size_t)m->info.n_embd * sizeof(float) + 63) / 64 * 64;
        else
            s->page_bytes += (size_t)a->n_kv_heads * ft__attention_head_bytes(a);
    }
}

/* A table for each rope that is used. */
static void ft__scratch_ropes(ft__scratch *s, const ft_model *m, int n_ctx, ft__arena *arena) {
    s->long_context = m->rope[FT__ROPE_LONG].freq && n_ctx > m->long_from;
    for (int i = 0; i < m->info.n_layers; i++) {
        int r = m->layers[i].rope;
        if (r == FT__ROPE_FULL && s->long_context) r = FT__ROPE_LONG;
        if (r < 0 || s->rope[r]) continue;
        const size_t n_rot = (size_t)m->rope[r].n_rot;
        s->rope[r] = (float *)ft__arena_alloc(arena, (size_t)s->max_tokens * n_rot, sizeof(float));
    }
}

FT__PRIV bool ft__scratch_init(ft__scratch *s, const ft_model *m, int max_tokens, int n_threads, int n_ctx,
                               ft_kv_type kv, ft__arena *arena) {
    const ft_model_info *i = &m->info;
    const size_t T = (size_t)max_tokens, D = (size_t)i->n_embd, V = (size_t)i->n_vocab;
    const size_t hd = (size_t)(m->local_head_dim > i->head_dim ? m->local_head_dim : i->head_dim);
    const size_t n_q = (size_t)i->n_heads * hd, n_kv = (size_t)i->n_kv_heads * hd;
    size_t F = (size_t)i->n_ff;
    if (i->n_experts && (size_t)m->n_ff_expert > F) F = (size_t)m->n_ff_expert;
    if ((size_t)m->n_ff_shared > F) F = (size_t)m->n_ff_shared;
    const int others[4] = {m->q_rank, m->kv_rank, m->nope, m->n_own};
    for (int k = 0; k < 4; k++)
        if ((size_t)others[k] > F) F = (size_t)others[k];
    size_t W = (size_t)i->n_heads * (size_t)(m->v_dim > m->nope ? m->v_dim : m->nope);
    if (m->kv_rank) W += (size_t)i->n_heads * (size_t)m->rope[FT__ROPE_FULL].n_rot;
    else W = m->n_taps ? 3 * D : (size_t)i->n_layers * (size_t)m->n_own;
    if (m->delta_size) {
        const size_t delta_v = (size_t)m->n_delta_v * (size_t)m->delta_size;
        W = 4 * (size_t)m->n_delta_k * (size_t)m->delta_size + 3 * delta_v + 2 * (size_t)m->n_delta_v;
        W = W > 2 * n_q ? W : 2 * n_q;
    }
    const size_t n_in = D > F ? D : F, n_out = n_q > W ? n_q : W, widest = n_in > n_out ? n_in : n_out;
    const size_t blocks = widest / FT__BLOCK + 1;
    s->max_tokens = max_tokens;
    s->max_rows = max_tokens < 32 ? max_tokens : 32;
    s->n_threads = n_threads;
    s->attention = (ft__attention *)ft__arena_alloc(arena, (size_t)i->n_layers, sizeof *s->attention);
    s->state_at = (size_t *)ft__arena_alloc(arena, (size_t)i->n_layers, sizeof *s->state_at);
    if (!s->attention || !s->state_at) return false;
    ft__scratch_pages(s, m, kv);
    ft__scratch_ropes(s, m, n_ctx, arena);
    s->x = (float *)ft__arena_alloc(arena, T * D, sizeof(float));
    s->h = (float *)ft__arena_alloc(arena, T * D, sizeof(float));
    s->q = (float *)ft__arena_alloc(arena, T * n_q, sizeof(float));
    s->att = (float *)ft__arena_alloc(arena, T * n_q, sizeof(float));
    s->k = (float *)ft__arena_alloc(arena, T * n_kv, sizeof(float));
    s->v = (float *)ft__arena_alloc(arena, T * n_kv, sizeof(float));
    s->gate = (float *)ft__arena_alloc(arena, T * F, sizeof(float));
    s->up = (float *)ft__arena_alloc(arena, T * F, sizeof(float));
    if (W) s->wide = (float *)ft__arena_alloc(arena, T * W, sizeof(float));
    if (m->n_own) s->own = (float *)ft__arena_alloc(arena, T * W, sizeof(float));
    s->q8 = (int8_t *)ft__arena_alloc(arena, T * widest, 1);
    s->q8_scale = (float *)ft__arena_alloc(arena, T * blocks, sizeof(float));
    s->tiles = (uint8_t *)ft__arena_alloc(arena, T * blocks, FT__TILE_TOKEN_BYTES);
    s->logits = (float *)ft__arena_alloc(arena, (size_t)s->max_rows * V, sizeof(float));
    s->rows = (int *)ft__arena_alloc(arena, T, sizeof(int));
    s->variants = (int *)ft__arena_alloc(arena, T, sizeof(int));
    s->blocks = (int *)ft__arena_alloc(arena, T + 1, sizeof(int));
    s->attend = (float **)ft__arena_alloc(arena, (size_t)n_threads, sizeof(float *));
    s->attend_busy = (int *)ft__arena_alloc(arena, (size_t)n_threads, sizeof(int));
    size_t n_attend = 0; /* the most of any layer */
    for (int k = 0; k < i->n_layers; k++) {
        size_t n = s->attention[k].n_kv_heads ? ft__attention_scratch(&s->attention[k]) : 0;
        n_attend = n > n_attend ? n : n_attend;
    }
    for (int k = 0; k < n_threads && s->attend; k++)
        s->attend[k] = (float *)ft__arena_alloc(arena, n_attend, sizeof(float));
    if (m->arch->flags & (FT__ARCH_PARALLEL | FT__ARCH_GEMMA4))
        s->side = (float *)ft__arena_alloc(arena, T * D, sizeof(float));
    if (i->n_experts) {
        s->expert_x = (float *)ft__arena_alloc(arena, T * D, sizeof(float));
        s->expert_y = (float *)ft__arena_alloc(arena, T * D, sizeof(float));
        s->expert_weight = (float *)ft__arena_alloc(arena, T * (size_t)i->n_experts, sizeof(float));
        s->expert_variants = (int *)ft__arena_alloc(arena, T, sizeof(int));
    }
    return !arena->failed;
}

FT__PRIV void ft__forward_share(ft__forward *f, void (*fn)(void *user, int part), void *user, int n,
                                size_t operations) {
    if (operations >= FT__FORWARD_SMALL) ft__pool_run(f->pool, fn, user, n);
    else for (int i = 0; i < n; i++) fn(user, i);
}

/* ---- small things done to rows */

/* 1 / (1 + exp(-x)); the exponent stops at 80, so that the reciprocal stays normal. */
FT__PRIV float ft__forward_sigmoid(float x) {
    float negative = 0.0f - x;
    negative = negative < 80.0f ? negative : 80.0f;
    return ft__recipf(1.0f + ft__expf(negative));
}

/* x (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3), which is x sigmoid(2 u). */
static void ft__forward_gelu_mul(float *gate, const float *up, int n) {
    for (int i = 0; i < n; i++) {
        float x = gate[i], cube = x * (x * x), u = 1.5957691f * (x + 0.044715f * cube);
        gate[i] = (x * ft__forward_sigmoid(u)) * up[i];
    }
}

/* Comparisons let a NaN through. */
static void ft__forward_clamped_mul(float *gate, const float *up, int n) {
    for (int i = 0; i < n; i++) {
        float g = gate[i] > 7.0f ? 7.0f : gate[i], u = up[i] > 7.0f ? 7.0f : up[i];
        u = u < -7.0f ? -7.0f : u;
        gate[i] = (g * ft__forward_sigmoid(1.702f * g)) * (u + 1.0f);
    }
}

static void ft__forward_act(const ft_model *m, float *gate, const float *up, int n) {
    if (m->arch->act == FT__ACT_GELU) ft__forward_gelu_mul(gate, up, n);
    else if (m->arch->act == FT__ACT_CLAMPED) ft__forward_clamped_mul(gate, up, n);
    else m->kernels.silu_mul(gate, up, n);
}

/* The sum in the contract's order: 64 partial ones, then the tree. */
static float ft__forward_sum(const float *x, int n) {
    float p[FT__PARTIALS];
    memset(p, 0, sizeof p);
    for (int i = 0; i < n; i++) p[i % FT__PARTIALS] = p[i % FT__PARTIALS] + x[i];
    for (int half = FT__PARTIALS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) p[i] = p[i] + p[i + half];
    return p[0];
}

FT__PRIV void ft__forward_norm(const ft_model *m, const float *x, const float *weight, int n, float *out) {
    if (m->arch->flags & FT__ARCH_LAYER_NORM) {
        const float mean = ft__forward_sum(x, n) * (1.0f / (float)n);
        for (int i = 0; i < n; i++) out[i] = x[i] - mean;
        x = out;
    }
    ft__rms_norm(&m->kernels, x, weight, m->norm_eps, n, out);
}

/* ---- inputs of matrices: what is pending is done row by row where the row is at hand, while it is in the
   first cache: residual added, normed or gated, then int8 where the weights want that */

enum { FT__WANT_ROWS = 1, FT__WANT_TILES = 2 }; /* forms of int8 activations */

FT__PRIV ft__forward_input ft__forward_input_of(const ft__forward *f, float *x, int n, int n_cols, unsigned want) {
    ft__forward_input in;
    memset(&in, 0, sizeof in);
    in.f = f;
    in.x = x;
    in.n = n;
    in.n_cols = n_cols;
    in.want = want;
    in.scale = 1;
    return in;
}

FT__PRIV unsigned ft__forward_want(const ft__matrix *w) {
    return !w->format || w->format->n_elements == 1 ? 0 : w->packed ? FT__WANT_TILES : FT__WANT_ROWS;
}

static void ft__forward_input_row(const ft__forward_input *in, int t) {
    const ft_model *m = in->f->model;
    const size_t at = (size_t)t * (size_t)in->n_cols;
    const int variant = in->f->scratch->variants[t]; /* where there is a norm, rows are tokens */
    float *x = in->x + at;
    if (in->add) {
        float *add = in->add + at;
        if (in->add_norm)
            ft__forward_norm(m, add, ft__forward_vector(in->f, variant, in->add_norm), in->n_cols, add);
        if (m->residual_scale != 1) m->kernels.scale(add, add, m->residual_scale, NULL, in->n_cols);
        m->kernels.add(x, add, in->n_cols);
    }
    if (in->scale != 1) m->kernels.scale(x, x, in->scale, NULL, in->n_cols);
    if (in->up) ft__forward_act(m, x, in->up + at, in->n_cols);
    if (in->norm) {
        ft__forward_norm(m, x, ft__forward_vector(in->f, variant, in->norm), in->n_cols, in->normed + at);
        x = in->normed + at;
    }
    if (in->want)
        m->kernels.quantize(x, in->n_cols, in->f->scratch->q8 + at,
                            in->f->scratch->q8_scale + (size_t)t * (size_t)(in->n_cols / FT__BLOCK));
}

static void ft__forward_input_part(void *user, int part) {
    const ft__forward_input *in = (const ft__forward_input *)user;
    const ft__scratch *s = in->f->scratch;
    const int first = part * FT__TILE_TOKENS;
    const int n = in->n - first < FT__TILE_TOKENS ? in->n - first : (int)FT__TILE_TOKENS;
    for (int t = first; t < first + n; t++) ft__forward_input_row(in, t);
    if (!(in->want & FT__WANT_TILES)) return;
    const size_t n_blocks = (size_t)in->n_cols / FT__BLOCK, at = (size_t)first * n_blocks;
    in->f->model->kernels.tile(s->q8 + at * FT__BLOCK, s->q8_scale + at, in->n_cols, n,
                               s->tiles + at * FT__TILE_TOKEN_BYTES);
}

FT__PRIV ft__acts ft__forward_acts(ft__forward *f, ft__forward_input in) {
    ft__acts a = {in.n, in.n_cols, in.norm ? in.normed : in.x, NULL, NULL, NULL};
    size_t operations = (size_t)in.n * (size_t)in.n_cols * 4;
    if (in.add || in.norm || in.up || in.want)
        ft__forward_share(f, ft__forward_input_part, &in, (in.n + FT__TILE_TOKENS - 1) / FT__TILE_TOKENS,
                          operations);
    if (in.want) a.q = f->scratch->q8, a.scale = f->scratch->q8_scale, a.tiles = f->scratch->tiles;
    return a;
}

FT__PRIV ft__acts ft__forward_rows(ft__forward *f, float *x, const ft__matrix *w) {
    return ft__forward_acts(f, ft__forward_input_of(f, x, f->n_slots, w->n_cols, ft__forward_want(w)));
}

/* ---- attention */

/* A linear map of a layer; rows of `out` lie close. */
static void ft__forward_module(ft__forward *f, int layer, ft__module module, const ft__acts *a, float *out) {
    const ft__linear *l = &f->model->layers[layer].module[module];
    ft__forward_linear(f, l, a, f->scratch->variants, out, (size_t)l->w.n_rows);
}

/* cos and sin of every token's angles, computed in double once for all layers. */
static void ft__forward_rope_table(void *user, int t) {
    const ft__forward *f = (const ft__forward *)user;
    for (int k = 0; k < FT__ROPES; k++) {
        const ft__rope *r = &f->model->rope[k];
        if (!f->scratch->rope[k]) continue;
        float *cs = f->scratch->rope[k] + (size_t)t * (size_t)r->n_rot;
        for (int i = 0; i < r->n_rot / 2; i++) {
            double s, c;
            ft__sincos(f->slots[t].position * r->freq[i], &s, &c);
            cs[2 * i] = (float)c * r->scale;
            cs[2 * i + 1] = (float)s * r->scale;
        }
    }
}

/* Pairs (i, i + n / 2) -> (a cos - b sin, a sin + b cos); "+ b * -s" as in num/kern_scalar.c. */
static void ft__forward_turn_halves(float *x, const float *cs, int n) {
    float *y = x + n / 2;
    for (int i = 0; i < n / 2; i++) {
        float a = x[i], b = y[i], c = cs[2 * i], s = cs[2 * i + 1];
        x[i] = a * c + b * -s;
        y[i] = a * s + b * c;
    }
}

/* The factor of a query at a position, for attention over far more positions than were learned. */
static float ft__forward_temper(const ft_model *m, int position) {
    double spans = ft__floor((position + m->temperature_shift) / m->temperature_span);
    return (float)(1 + m->temperature * ft__log(1 + spans));
}

FT__PRIV void ft__forward_turn(const ft__forward *f, int t, int rope, float *x) {
    const ft_model *m = f->model;
    if (rope == FT__ROPE_FULL && f->scratch->long_context) rope = FT__ROPE_LONG;
    const int n_rot = m->rope[rope].n_rot;
    const float *cs = f->scratch->rope[rope] + (size_t)t * (size_t)n_rot;
    if (m->arch->flags & FT__ARCH_NEOX) ft__forward_turn_halves(x, cs, n_rot);
    else m->kernels.rope(x, cs, n_rot);
}

/* Norms and turns the heads of one token; `x` are its queries or its keys. */
static void ft__forward_heads(const ft__forward *f, int t, float *x, int n_heads, const float *norm) {
    const ft_model *m = f->model;
    const ft__layer *at = &m->layers[f->layer];
    const int hd = at->attention.head_dim;
    const bool whole = (m->arch->flags & FT__ARCH_QK_NORM_WHOLE) != 0;
    const bool after = m->arch->flags & FT__ARCH_QK_NORM_TURNED && at->rope >= 0 && m->routing.n_experts != 128;
    if (norm && whole) ft__rms_norm(&m->kernels, x, norm, m->norm_eps, n_heads * hd, x);
    for (int h = 0; h < n_heads; h++, x += hd) {
        if (norm && !whole) ft__rms_norm(&m->kernels, x, norm, m->norm_eps, hd, x);
        if (at->rope >= 0) ft__forward_turn(f, t, at->rope, x);
        if (after) ft__rms_norm(&m->kernels, x, NULL, m->norm_eps, hd, x);
    }
}

static void ft__forward_store_part(void *user, int t) {
    ft__forward *f = (ft__forward *)user;
    const ft_model *m = f->model;
    const ft__layer *at = &m->layers[f->layer];
    const ft__attention *a = &f->scratch->attention[f->layer];
    const size_t n_q = (size_t)a->n_heads * (size_t)a->head_dim, n_kv = (size_t)a->n_kv_heads * (size_t)a->head_dim;
    float *q = f->scratch->q + (size_t)t * n_q, *k = f->scratch->k + (size_t)t * n_kv;
    float *v = f->scratch->v + (size_t)t * n_kv;
    const int variant = f->slots[t].variant;
    ft__forward_heads(f, t, q, a->n_heads, ft__forward_vector(f, variant, at->q_norm));
    if (at->kv_from >= 0) return; /* keys and values are another layer's */
    ft__forward_heads(f, t, k, a->n_kv_heads, ft__forward_vector(f, variant, at->k_norm));
    if (m->temperature > 0 && !(m->arch->flags & FT__ARCH_CHUNKS && at->rope >= 0))
        m->kernels.scale(q, q, ft__forward_temper(m, f->slots[t].position), NULL, (int)n_q);
    for (int h = 0; h < a->n_kv_heads && m->arch->flags & FT__ARCH_GEMMA4; h++)
        ft__rms_norm(&m->kernels, v + h * a->head_dim, NULL, m->norm_eps, a->head_dim, v + h * a->head_dim);
    if (!ft__attention_store(a, f->slots[t].pages, f->slots[t].position, k, v))
        __atomic_store_n(&f->overflow, 1, __ATOMIC_RELAXED);
}

/* Neighbouring slots that continue one sequence attend together, a few at a time. */
static void ft__forward_find_blocks(ft__forward *f) {
    int *blocks = f->scratch->blocks;
    f->n_blocks = 0;
    for (int t = 0; t < f->n_slots; t++) {
        const ft__slot *s = &f->slots[t];
        bool goes_on = t > 0 && s[-1].pages == s->pages && s[-1].position + 1 == s->position &&
                       t - blocks[f->n_blocks - 1] < FT__ATTENTION_TOKENS;
        if (!goes_on) blocks[f->n_blocks++] = t;
    }
    blocks[f->n_blocks] = f->n_slots;
}

static void ft__forward_attend_part(void *user, int part) {
    ft__forward *f = (ft__forward *)user;
    ft__scratch *s = f->scratch;
    const ft__attention *a = &s->attention[f->layer];
    const int block = f->n_blocks - 1 - part / a->n_kv_heads, kv_head = part % a->n_kv_heads; /* longest first */
    const int first = s->blocks[block], n = s->blocks[block + 1] - first;
    const size_t at = (size_t)first * (size_t)a->n_heads * (size_t)a->head_dim;
    int mine = 0; /* there are as many as threads, so one is free */
    while (__atomic_exchange_n(&s->attend_busy[mine], 1, __ATOMIC_ACQUIRE)) mine = (mine + 1) % s->n_threads;
    ft__attend(&f->model->kernels, a, f->slots[first].pages, f->slots[first].position, n, kv_head, s->q + at,
               s->att + at, s->attend[mine]);
    __atomic_store_n(&s->attend_busy[mine], 0, __ATOMIC_RELEASE);
}

FT__PRIV void ft__forward_attend(ft__forward *f, void (*store)(void *user, int token)) {
    ft__scratch *s = f->scratch;
    const ft__attention *a = &s->attention[f->layer];
    const int n = f->n_slots, n_q = a->n_heads * a->head_dim;
    size_t keys = 0;
    ft__forward_share(f, store, f, n, (size_t)n * (size_t)n_q * 4);
    for (int t = 0; t < n; t++) keys += (size_t)f->slots[t].position + 1;
    ft__forward_share(f, ft__forward_attend_part, f, f->n_blocks * a->n_kv_heads, keys * (size_t)n_q);
}

/* The gated unit on normed activations, into `out`. */
FT__PRIV void ft__forward_dense(ft__forward *f, int layer, const ft__acts *a, float *out) {
    ft__scratch *s = f->scratch;
    const ft__matrix *down = &f->model->layers[layer].module[FT__DOWN].w;
    ft__forward_module(f, layer, FT__GATE, a, s->gate);
    ft__forward_module(f, layer, FT__UP, a, s->up);
    ft__forward_input in = ft__forward_input_of(f, s->gate, a->n_tokens, down->n_cols, ft__forward_want(down));
    in.up = s->up;
    ft__acts gated = ft__forward_acts(f, in);
    ft__forward_module(f, layer, FT__DOWN, &gated, out);
}

/* Queries with a gate behind each head lie in s->wide: (n, n_heads, 2, head_dim). */
static void ft__forward_split(ft__forward *f, const ft__attention *a) {
    const size_t hd = (size_t)a->head_dim, n = (size_t)f->n_slots * (size_t)a->n_heads;
    for (size_t h = 0; h < n; h++)
        memcpy(f->scratch->q + h * hd, f->scratch->wide + h * 2 * hd, hd * sizeof(float));
}

static void ft__forward_gate(ft__forward *f, const ft__attention *a) {
    const size_t hd = (size_t)a->head_dim, n = (size_t)f->n_slots * (size_t)a->n_heads;
    for (size_t h = 0; h < n; h++) {
        float *att = f->scratch->att + h * hd;
        const float *gate = f->scratch->wide + h * 2 * hd + hd;
        for (size_t d = 0; d < hd; d++) att[d] = att[d] * ft__forward_sigmoid(gate[d]);
    }
}

static void ft__forward_heads_attend(ft__forward *f, int layer, const ft__acts *a) {
    ft__scratch *s = f->scratch;
    const ft__layer *at = &f->model->layers[layer];
    const ft__matrix *o = &at->module[FT__O].w;
    const bool gated = at->module[FT__Q].w.n_rows != o->n_cols;
    ft__forward_module(f, layer, FT__Q, a, gated ? s->wide : s->q);
    if (gated) ft__forward_split(f, &at->attention);
    if (at->module[FT__K].w.format) ft__forward_module(f, layer, FT__K, a, s->k);
    if (at->module[FT__V].w.format) ft__forward_module(f, layer, FT__V, a, s->v);
    else memcpy(s->v, s->k, (size_t)f->n_slots * (size_t)at->module[FT__K].w.n_rows * sizeof(float));
    if (f->model->arch->flags & FT__ARCH_PARALLEL) ft__forward_dense(f, layer, a, s->side);
    ft__forward_attend(f, ft__forward_store_part);
    if (gated) ft__forward_gate(f, &at->attention);
    ft__acts out = ft__forward_rows(f, s->att, o);
    ft__forward_module(f, layer, FT__O, &out, s->h);
}

/* What a layer has left for the next input: its last output is to be added. */
static void ft__forward_after(ft__forward_input *in, const ft__layer *layer, float *h) {
    in->add = h;
    in->add_norm = layer->own_norm ? layer->own_norm : layer->ffn_post_norm;
    in->scale = layer->scale;
}

/* What the last half layer left in h is first added to x; this half leaves its own there. */
static void ft__forward_mix(ft__forward *f, int layer) {
    ft__scratch *s = f->scratch;
    const ft_model *m = f->model;
    const ft__layer *at = &m->layers[layer];
    const bool parallel = (m->arch->flags & FT__ARCH_PARALLEL) != 0;
    const int n = f->n_slots, D = m->info.n_embd;
    const ft__linear *const own[6] = {&at->q_a, &at->kv_a, &at->conv_in, &at->delta_gate, &at->delta_rate,
                                      &at->delta_write};
    unsigned want = 0;
    for (int i = 0; i < 6; i++) want |= ft__forward_want(&own[i]->w);
    for (int i = FT__Q; i <= FT__V; i++) want |= ft__forward_want(&at->module[i].w);
    for (int i = FT__GATE; i <= FT__UP && parallel; i++) want |= ft__forward_want(&at->module[i].w);
    ft__forward_input in = ft__forward_input_of(f, s->x, n, D, want);
    if (layer) ft__forward_after(&in, &at[-1], s->h);
    in.norm = at->attn_norm;
    in.normed = s->h;
    ft__acts a = ft__forward_acts(f, in);
    if (at->mixer == FT__MIXER_LATENT) ft__mixer_latent(f, layer, &a);
    else if (at->mixer == FT__MIXER_CONV) ft__mixer_conv(f, layer, &a);
    else if (at->mixer == FT__MIXER_DELTA) ft__mixer_delta(f, layer, &a);
    else ft__forward_heads_attend(f, layer, &a);
    for (int t = 0; t < n && parallel; t++)
        m->kernels.add(s->h + (size_t)t * (size_t)D, s->side + (size_t)t * (size_t)D, D);
}

/* ---- the gated unit */

static void ft__forward_feed(ft__forward *f, int layer) {
    ft__scratch *s = f->scratch;
    const ft__layer *at = &f->model->layers[layer];
    unsigned want = ft__forward_want(&at->router.w);
    for (int i = FT__GATE; i <= FT__UP; i++) want |= ft__forward_want(&at->module[i].w);
    for (int i = 0; i < 2; i++) want |= ft__forward_want(&at->shared[i].w);
    ft__forward_input in = ft__forward_input_of(f, s->x, f->n_slots, f->model->info.n_embd, want);
    in.add = s->h;
    in.add_norm = at->attn_post_norm;
    in.norm = at->ffn_norm;
    in.normed = s->h;
    ft__acts a = ft__forward_acts(f, in);
    if (at->router_norm) ft__moe_beside(f, layer, &a);
    else if (at->router.w.format) ft__moe_experts(f, layer, &a);
    else ft__forward_dense(f, layer, &a, s->h);
    if (at->own_norm) ft__mixer_own(f, layer);
}

/* ---- the head */

static ft_status ft__forward_row_out(ft__forward *f, const ft__slot *slot, float *logits, ft_error *err) {
    const ft_model *m = f->model;
    const size_t n = (size_t)m->info.n_vocab;
    const float cap = m->logit_cap, inverse = cap > 0 ? ft__recipf(cap) : 0;
    if (m->logit_scale != 1) m->kernels.scale(logits, logits, m->logit_scale, NULL, (int)n);
    for (size_t i = 0; i < n; i++) {
        if (!ft__finite((double)logits[i]))
            return ft__fail(err, FT_ERR_NUMERIC, m->file.path,
                            "the logit of token %d after position %d is not finite", (int)i, slot->position);
        if (cap > 0) logits[i] = cap * ft__tanhf(logits[i] * inverse);
    }
    if (slot->logits) memcpy(slot->logits, logits, n * sizeof *logits);
    if (slot->logits_2) memcpy(slot->logits_2, logits, n * sizeof *logits);
    return FT_OK;
}

/* Logits of the tokens that asked for them, some rows at a time. */
static ft_status ft__forward_head(ft__forward *f, ft_error *err) {
    ft__scratch *s = f->scratch;
    const ft_model *m = f->model;
    const size_t D = (size_t)m->info.n_embd;
    ft_status status = FT_OK;
    for (int t = 0; t < f->n_slots && !status;) {
        int n = 0;
        for (; t < f->n_slots && n < s->max_rows; t++) {
            if (!f->slots[t].logits && !f->slots[t].logits_2) continue;
            memmove(s->x + (size_t)n * D, s->x + (size_t)t * D, D * sizeof(float)); /* n <= t */
            memmove(s->h + (size_t)n * D, s->h + (size_t)t * D, D * sizeof(float));
            s->variants[n] = f->slots[t].variant;
            s->rows[n++] = t;
        }
        if (!n) break;
        ft__forward_input in = ft__forward_input_of(f, s->x, n, m->info.n_embd, ft__forward_want(&m->output.w));
        ft__forward_after(&in, &m->layers[m->info.n_layers - 1], s->h);
        in.norm = m->output_norm;
        in.normed = s->h;
        ft__acts a = ft__forward_acts(f, in);
        ft__forward_linear(f, &m->output, &a, s->variants, s->logits, (size_t)m->info.n_vocab);
        for (int r = 0; r < n && !status; r++)
            status = ft__forward_row_out(f, &f->slots[s->rows[r]],
                                         s->logits + (size_t)r * (size_t)m->info.n_vocab, err);
    }
    return status;
}

FT__PRIV ft_status ft__forward_run(ft__forward *f, ft_error *err) {
    ft__scratch *s = f->scratch;
    const ft_model *m = f->model;
    const int D = m->info.n_embd;
    for (int t = 0; t < f->n_slots; t++) {
        float *x = s->x + (size_t)t * (size_t)D;
        ft__forward_embed(f, &f->slots[t], x);
        if (m->embedding_scale != 1) m->kernels.scale(x, x, m->embedding_scale, NULL, D);
        s->variants[t] = f->slots[t].variant;
    }
    if (m->n_own) ft__mixer_own_inputs(f);
    ft__forward_find_blocks(f);
    ft__forward_share(f, ft__forward_rope_table, f, f->n_slots,
                      (size_t)f->n_slots * (size_t)m->rope[FT__ROPE_FULL].n_rot * 50);
    for (f->layer = 0; f->layer < m->info.n_layers; f->layer++) {
        ft__forward_mix(f, f->layer);
        if (!(m->arch->flags & FT__ARCH_PARALLEL)) ft__forward_feed(f, f->layer);
    }
    if (f->overflow)
        return ft__fail(err, FT_ERR_NUMERIC, m->file.path, "a key or value does not fit the cache: use an F32 cache "
                        "(kv f32), or the weights are broken");
    return ft__forward_head(f, err);
}
