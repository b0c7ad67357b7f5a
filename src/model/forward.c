/* The forward pass of a batch: tokens of any sequences, at any positions, under any variants, together.
   Whatever is computed for a token depends on that token's sequence alone, so a batch changes speed and
   never a bit.  Tokens of one variant lie next to each other, so that its low-rank deltas take one
   contiguous piece of the batch. */
#include "model.h"

enum { FT__FORWARD_SMALL = 1 << 14 }; /* operations below which waking threads costs more */

FT__PRIV bool ft__scratch_init(ft__scratch *s, const ft_model *m, int max_tokens, int n_threads,
                               const ft__attention *attention, ft__arena *arena) {
    const ft_model_info *i = &m->info;
    const size_t T = (size_t)max_tokens, D = (size_t)i->n_embd, F = (size_t)i->n_ff, V = (size_t)i->n_vocab;
    const size_t n_q = (size_t)i->n_heads * (size_t)i->head_dim;
    const size_t n_kv = (size_t)i->n_kv_heads * (size_t)i->head_dim;
    const size_t n_in = D > F ? D : F, widest = n_in > n_q ? n_in : n_q, blocks = widest / FT__BLOCK + 1;
    s->max_tokens = max_tokens;
    s->max_rows = max_tokens < 32 ? max_tokens : 32;
    s->n_threads = n_threads;
    s->x = (float *)ft__arena_alloc(arena, T * D, sizeof(float));
    s->h = (float *)ft__arena_alloc(arena, T * D, sizeof(float));
    s->q = (float *)ft__arena_alloc(arena, T * n_q, sizeof(float));
    s->att = (float *)ft__arena_alloc(arena, T * n_q, sizeof(float));
    s->k = (float *)ft__arena_alloc(arena, T * n_kv, sizeof(float));
    s->v = (float *)ft__arena_alloc(arena, T * n_kv, sizeof(float));
    s->gate = (float *)ft__arena_alloc(arena, T * F, sizeof(float));
    s->up = (float *)ft__arena_alloc(arena, T * F, sizeof(float));
    s->rope = (float *)ft__arena_alloc(arena, T * (size_t)m->n_rot, sizeof(float));
    s->q8 = (int8_t *)ft__arena_alloc(arena, T * widest, 1);
    s->q8_scale = (float *)ft__arena_alloc(arena, T * blocks, sizeof(float));
    s->tiles = (uint8_t *)ft__arena_alloc(arena, T * blocks, FT__TILE_TOKEN_BYTES);
    s->logits = (float *)ft__arena_alloc(arena, (size_t)s->max_rows * V, sizeof(float));
    s->rows = (int *)ft__arena_alloc(arena, T, sizeof(int));
    s->variants = (int *)ft__arena_alloc(arena, T, sizeof(int));
    s->blocks = (int *)ft__arena_alloc(arena, T + 1, sizeof(int));
    s->attention = (float **)ft__arena_alloc(arena, (size_t)n_threads, sizeof(float *));
    s->attention_busy = (int *)ft__arena_alloc(arena, (size_t)n_threads, sizeof(int));
    for (int k = 0; k < n_threads && s->attention; k++)
        s->attention[k] = (float *)ft__arena_alloc(arena, ft__attention_scratch(attention), sizeof(float));
    if (i->n_experts) {
        s->expert_x = (float *)ft__arena_alloc(arena, T * D, sizeof(float));
        s->expert_y = (float *)ft__arena_alloc(arena, T * D, sizeof(float));
        s->expert_weight = (float *)ft__arena_alloc(arena, T * (size_t)i->n_experts, sizeof(float));
    }
    return !arena->failed;
}

/* Runs fn for parts 0..n-1, over the threads if it is worth it. */
static void ft__forward_share(ft__forward *f, void (*fn)(void *user, int part), void *user, int n,
                              size_t operations) {
    if (operations >= FT__FORWARD_SMALL) ft__pool_run(f->pool, fn, user, n);
    else for (int i = 0; i < n; i++) fn(user, i);
}

/* ---- inputs of matrices: what is pending is done row by row where the row is at hand, while it is in the
   first cache: residual added, normed or gated, then int8 where the weights want that */

enum { FT__WANT_ROWS = 1, FT__WANT_TILES = 2 }; /* forms of int8 activations */

typedef struct ft__forward_input {
    const ft__forward *f;
    float *x;            /* (n, n_cols) */
    const float *add;    /* (n, n_cols) to be added to x first, or NULL */
    const float *weight; /* then x is normed with this into `normed`, or NULL */
    const float *up;     /* or x becomes silu(x) * up, or NULL */
    float *normed;
    int n, n_cols;
    unsigned want;
} ft__forward_input;

static unsigned ft__forward_want(const ft__matrix *w) {
    return w->format->n_elements == 1 ? 0 : w->packed ? FT__WANT_TILES : FT__WANT_ROWS;
}

static void ft__forward_input_row(const ft__forward_input *in, int t) {
    const ft_model *m = in->f->model;
    const size_t at = (size_t)t * (size_t)in->n_cols;
    float *x = in->x + at;
    if (in->add) m->kernels.add(x, in->add + at, in->n_cols);
    if (in->up) m->kernels.silu_mul(x, in->up + at, in->n_cols);
    if (in->weight) {
        ft__rms_norm(&m->kernels, x, in->weight, m->norm_eps, in->n_cols, in->normed + at);
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

/* The int8 form has one buffer and is good until the next call. */
static ft__acts ft__forward_acts(ft__forward *f, ft__forward_input in) {
    ft__acts a = {in.n, in.n_cols, in.weight ? in.normed : in.x, NULL, NULL, NULL};
    size_t operations = (size_t)in.n * (size_t)in.n_cols * 4;
    in.f = f;
    if (in.add || in.weight || in.up || in.want)
        ft__forward_share(f, ft__forward_input_part, &in, (in.n + FT__TILE_TOKENS - 1) / FT__TILE_TOKENS,
                          operations);
    if (in.want) a.q = f->scratch->q8, a.scale = f->scratch->q8_scale, a.tiles = f->scratch->tiles;
    return a;
}

/* ---- linear maps with their deltas */

/* out += scale * (alpha / rank) * B (A x) for tokens of one variant; where alpha is 0 the scale alone. */
static void ft__forward_delta(ft__forward *f, const ft_adapter_use *use, const ft__delta *d,
                              const float *x, int n_tokens, float *out) {
    const ft__kernels *k = &f->model->kernels;
    const float alpha = use->adapter->alpha;
    const float factor = alpha != 0 ? use->scale * (alpha / (float)d->rank) : use->scale;
    ft__acts a = {n_tokens, d->a.n_cols, x, NULL, NULL, NULL};
    ft__matmul(f->pool, k, &d->a, NULL, &a, f->scratch->low, (size_t)d->rank);
    ft__low_rank(f->pool, k, d->b, d->rank, d->n_out, f->scratch->low, n_tokens, factor, out);
}

/* out (n_tokens, outputs) = the map's product with the activations, each token under its variant. */
static void ft__forward_linear(ft__forward *f, int layer, ft__module module, const ft__acts *a,
                               const int *variants, float *out) {
    const ft__linear *l = ft__model_linear(f->model, layer, module);
    ft__matmul(f->pool, &f->model->kernels, &l->w, l->bias, a, out, (size_t)l->w.n_rows);
    for (int t = 0, end; t < a->n_tokens; t = end) {
        const ft__adaptation *v = &f->variants[variants[t]];
        for (end = t + 1; end < a->n_tokens && variants[end] == variants[t];) end++;
        for (int i = 0; i < v->n_uses; i++) {
            const ft__delta *d = ft__adapter_delta(v->uses[i].adapter, layer, module);
            if (!d->rank || v->uses[i].scale == 0) continue;
            ft__forward_delta(f, &v->uses[i], d, a->x + (size_t)t * (size_t)a->n_cols, end - t,
                              out + (size_t)t * (size_t)l->w.n_rows);
        }
    }
}

/* ---- attention */

/* cos and sin of every token's angles, computed in double once for all layers. */
static void ft__forward_rope_table(void *user, int t) {
    const ft__forward *f = (const ft__forward *)user;
    const ft_model *m = f->model;
    float *cs = f->scratch->rope + (size_t)t * (size_t)m->n_rot;
    for (int i = 0; i < m->n_rot / 2; i++) {
        double s, c;
        ft__sincos(f->slots[t].position * m->rope_freq[i], &s, &c);
        cs[2 * i] = (float)c * m->rope_scale;
        cs[2 * i + 1] = (float)s * m->rope_scale;
    }
}

/* Turns the first n_rot dimensions of every head of one token. */
static void ft__forward_rope(const ft_model *m, float *x, int n_heads, const float *cs) {
    for (int h = 0; h < n_heads; h++, x += m->info.head_dim) m->kernels.rope(x, cs, m->n_rot);
}

static void ft__forward_store_part(void *user, int t) {
    ft__forward *f = (ft__forward *)user;
    const ft_model_info *i = &f->model->info;
    const size_t n_q = (size_t)i->n_heads * (size_t)i->head_dim;
    const size_t n_kv = (size_t)i->n_kv_heads * (size_t)i->head_dim;
    const float *cs = f->scratch->rope + (size_t)t * (size_t)f->model->n_rot;
    float *k = f->scratch->k + (size_t)t * n_kv;
    ft__forward_rope(f->model, f->scratch->q + (size_t)t * n_q, i->n_heads, cs);
    ft__forward_rope(f->model, k, i->n_kv_heads, cs);
    if (!ft__attention_store(&f->attention, f->slots[t].pages, f->slots[t].position, k,
                             f->scratch->v + (size_t)t * n_kv))
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
    const ft_model_info *i = &f->model->info;
    const int block = f->n_blocks - 1 - part / i->n_kv_heads, kv_head = part % i->n_kv_heads; /* longest first */
    const int first = s->blocks[block], n = s->blocks[block + 1] - first;
    const size_t at = (size_t)first * (size_t)i->n_heads * (size_t)i->head_dim;
    int mine = 0; /* there are as many as threads, so one is free */
    while (__atomic_exchange_n(&s->attention_busy[mine], 1, __ATOMIC_ACQUIRE)) mine = (mine + 1) % s->n_threads;
    ft__attend(&f->model->kernels, &f->attention, f->slots[first].pages, f->slots[first].position, n, kv_head,
               s->q + at, s->att + at, s->attention[mine]);
    __atomic_store_n(&s->attention_busy[mine], 0, __ATOMIC_RELEASE);
}

/* `add` is what the layer before left to be added to x. */
static void ft__forward_attention(ft__forward *f, int layer, const float *add) {
    ft__scratch *s = f->scratch;
    const ft_model_info *i = &f->model->info;
    const ft__layer *at = &f->model->layers[layer];
    const int n = f->n_slots, n_q = i->n_heads * i->head_dim;
    unsigned want = 0;
    for (int m = FT__Q; m <= FT__V; m++) want |= ft__forward_want(&at->module[m].w);
    ft__forward_input in = {f, s->x, add, at->attn_norm, NULL, s->h, n, i->n_embd, want};
    ft__acts a = ft__forward_acts(f, in);
    ft__forward_linear(f, layer, FT__Q, &a, s->variants, s->q);
    ft__forward_linear(f, layer, FT__K, &a, s->variants, s->k);
    ft__forward_linear(f, layer, FT__V, &a, s->variants, s->v);
    f->attention.page_offset =
        (size_t)layer * (size_t)i->n_kv_heads * ft__attention_head_bytes(&f->attention);
    ft__forward_share(f, ft__forward_store_part, f, n, (size_t)n * (size_t)n_q * 4);
    size_t keys = 0;
    for (int t = 0; t < n; t++) keys += (size_t)f->slots[t].position + 1;
    ft__forward_share(f, ft__forward_attend_part, f, f->n_blocks * i->n_kv_heads, keys * (size_t)n_q);
    want = ft__forward_want(&at->module[FT__O].w);
    ft__forward_input out = {f, s->att, NULL, NULL, NULL, NULL, n, n_q, want};
    a = ft__forward_acts(f, out);
    ft__forward_linear(f, layer, FT__O, &a, s->variants, s->h);
}

/* ---- the gated unit, dense or over experts */

static void ft__forward_dense(ft__forward *f, int layer) {
    ft__scratch *s = f->scratch;
    const ft_model_info *i = &f->model->info;
    const ft__layer *at = &f->model->layers[layer];
    unsigned want = ft__forward_want(&at->module[FT__GATE].w) | ft__forward_want(&at->module[FT__UP].w);
    ft__forward_input in = {f, s->x, s->h, at->ffn_norm, NULL, s->h, f->n_slots, i->n_embd, want};
    ft__acts a = ft__forward_acts(f, in);
    ft__forward_linear(f, layer, FT__GATE, &a, s->variants, s->gate);
    ft__forward_linear(f, layer, FT__UP, &a, s->variants, s->up);
    want = ft__forward_want(&at->module[FT__DOWN].w);
    ft__forward_input down = {f, s->gate, NULL, NULL, s->up, NULL, f->n_slots, i->n_ff, want};
    a = ft__forward_acts(f, down);
    ft__forward_linear(f, layer, FT__DOWN, &a, s->variants, s->h);
}

/* Router logits of one token, in place, to weights: softmax over all experts, the k best kept and normed,
   0 elsewhere.  Ties go to the lower expert; sums run over experts ascending.  If one is not finite all
   become NaN, which shows in the logits and is reported there. */
static void ft__forward_route(float *p, int n, int n_used) {
    float max = p[0], sum = 0, chosen = 0;
    bool finite = true;
    for (int e = 0; e < n; e++) {
        finite = finite && ft__finite((double)p[e]);
        max = p[e] > max ? p[e] : max;
    }
    if (!finite) {
        for (int e = 0; e < n; e++) p[e] = ft__float_of(0x7FC00000u);
        return;
    }
    for (int e = 0; e < n; e++) {
        p[e] = ft__expf(p[e] - max);
        sum = sum + p[e];
    }
    float share = ft__recipf(sum);
    for (int e = 0; e < n; e++) p[e] = p[e] * share;
    for (int k = 0; k < n_used; k++) { /* the chosen are marked by their sign */
        int best = -1;
        for (int e = 0; e < n; e++)
            if (!(ft__bits_of(p[e]) >> 31) && (best < 0 || p[e] > p[best])) best = e;
        p[best] = ft__float_of(ft__bits_of(p[best]) | 0x80000000u);
    }
    for (int e = 0; e < n; e++)
        if (ft__bits_of(p[e]) >> 31) chosen = chosen - p[e];
    float norm = ft__recipf(chosen > 6.103515625e-5f ? chosen : 6.103515625e-5f);
    for (int e = 0; e < n; e++) p[e] = ft__bits_of(p[e]) >> 31 ? (0.0f - p[e]) * norm : 0.0f;
}

/* One expert on the tokens that chose it: gathered, computed, added with their weights. */
static void ft__forward_expert(ft__forward *f, int layer, int expert) {
    ft__scratch *s = f->scratch;
    const ft_model_info *i = &f->model->info;
    const ft__layer *at = &f->model->layers[layer];
    const int D = i->n_embd, F = i->n_ff;
    int n = 0;
    for (int t = 0; t < f->n_slots; t++) {
        if (s->expert_weight[t * i->n_experts + expert] == 0) continue;
        memcpy(s->expert_x + (size_t)n * (size_t)D, s->h + (size_t)t * (size_t)D, (size_t)D * sizeof(float));
        s->rows[n++] = t;
    }
    if (!n) return;
    ft__matrix w[3];
    for (int k = 0; k < 3; k++) {
        w[k] = at->expert[k];
        w[k].n_rows = k < 2 ? F : D;
        const size_t first = (size_t)expert * (size_t)w[k].n_rows;
        w[k].data += first * w[k].row_bytes;
        if (w[k].packed) w[k].packed += first / FT__LANES * ft__pack_group_bytes(&w[k]);
    }
    unsigned want = ft__forward_want(&w[0]) | ft__forward_want(&w[1]);
    ft__forward_input in = {f, s->expert_x, NULL, NULL, NULL, NULL, n, D, want};
    ft__acts a = ft__forward_acts(f, in);
    ft__matmul(f->pool, &f->model->kernels, &w[0], NULL, &a, s->gate, (size_t)F);
    ft__matmul(f->pool, &f->model->kernels, &w[1], NULL, &a, s->up, (size_t)F);
    ft__forward_input down = {f, s->gate, NULL, NULL, s->up, NULL, n, F, ft__forward_want(&w[2])};
    a = ft__forward_acts(f, down);
    ft__matmul(f->pool, &f->model->kernels, &w[2], NULL, &a, s->expert_x, (size_t)D);
    for (int r = 0; r < n; r++) {
        float weight = s->expert_weight[s->rows[r] * i->n_experts + expert];
        float *y = s->expert_y + (size_t)s->rows[r] * (size_t)D, *from = s->expert_x + (size_t)r * (size_t)D;
        for (int d = 0; d < D; d++) y[d] = y[d] + weight * from[d];
    }
}

/* Experts in ascending order, so that a token's sum has one order whoever shares the batch. */
static void ft__forward_experts(ft__forward *f, int layer) {
    ft__scratch *s = f->scratch;
    const ft_model_info *i = &f->model->info;
    const ft__layer *at = &f->model->layers[layer];
    const size_t n_x = (size_t)f->n_slots * (size_t)i->n_embd;
    ft__forward_input in = {f, s->x, s->h, at->ffn_norm, NULL, s->h, f->n_slots, i->n_embd,
                            ft__forward_want(&at->router)};
    ft__acts a = ft__forward_acts(f, in);
    ft__matmul(f->pool, &f->model->kernels, &at->router, NULL, &a, s->expert_weight, (size_t)i->n_experts);
    for (int t = 0; t < f->n_slots; t++)
        ft__forward_route(s->expert_weight + (size_t)t * (size_t)i->n_experts, i->n_experts, i->n_experts_used);
    memset(s->expert_y, 0, n_x * sizeof(float));
    for (int e = 0; e < i->n_experts; e++) ft__forward_expert(f, layer, e);
    memcpy(s->h, s->expert_y, n_x * sizeof(float));
}

/* ---- the head */

static ft_status ft__forward_row_out(ft__forward *f, const ft__slot *slot, const float *logits,
                                     ft_error *err) {
    const size_t n = (size_t)f->model->info.n_vocab;
    for (size_t i = 0; i < n; i++)
        if (!ft__finite((double)logits[i]))
            return ft__fail(err, FT_ERR_NUMERIC, f->model->file.path,
                            "the logit of token %d after position %d is not finite", (int)i, slot->position);
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
        ft__forward_input in = {f, s->x, s->h, m->output_norm, NULL, s->h, n, m->info.n_embd,
                                ft__forward_want(&m->output.w)};
        ft__acts a = ft__forward_acts(f, in);
        ft__forward_linear(f, 0, FT__HEAD, &a, s->variants, s->logits);
        for (int r = 0; r < n && !status; r++)
            status = ft__forward_row_out(f, &f->slots[s->rows[r]],
                                         s->logits + (size_t)r * (size_t)m->info.n_vocab, err);
    }
    return status;
}

FT__PRIV ft_status ft__forward_run(ft__forward *f, ft_error *err) {
    ft__scratch *s = f->scratch;
    const ft_model *m = f->model;
    for (int t = 0; t < f->n_slots; t++) {
        const uint8_t *row = m->embedding.data + (size_t)f->slots[t].token * m->embedding.row_bytes;
        m->embedding.format->decode(row, (size_t)m->info.n_embd, s->x + (size_t)t * (size_t)m->info.n_embd);
        s->variants[t] = f->slots[t].variant;
    }
    ft__forward_find_blocks(f);
    ft__forward_share(f, ft__forward_rope_table, f, f->n_slots, (size_t)f->n_slots * (size_t)m->n_rot * 50);
    for (int layer = 0; layer < m->info.n_layers; layer++) {
        ft__forward_attention(f, layer, layer ? s->h : NULL); /* each half leaves its result in h */
        if (m->info.n_experts) ft__forward_experts(f, layer);
        else ft__forward_dense(f, layer);
    }
    if (f->overflow)
        return ft__fail(err, FT_ERR_NUMERIC, m->file.path,
                        "a key or value does not fit the cache: use an F32 cache (kv f32), or the weights are broken");
    return ft__forward_head(f, err);
}
