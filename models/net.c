/* The network: token embedding, layers of attention and gated unit, each on the root-mean-square norm of
   what came before and added to it, a last norm, and the embedding again as the head.  Positions turn pairs
   of neighbours (RoPE, as GGUF files of llama have it).

   train_net_run goes forwards and, if a gradient is wanted, backwards.  Forwards keeps what backwards needs
   and cannot make again cheaply; norms, the unit's product and the attention's weights are made again.
   Tokens of all rows lie one after the other; only attention knows where a row ends. */
#include "train.h"

/* ---- layout */

const char *train_tensor_name(train_tensor t) {
    static const char *const names[TRAIN_TENSORS] = {"attn_norm", "attn_q",   "attn_k", "attn_v",  "attn_output",
                                                     "ffn_norm",  "ffn_gate", "ffn_up", "ffn_down"};
    return names[t];
}

const train_place *train_at(const train_layout *l, int layer, train_tensor t) {
    return &l->layers[layer * TRAIN_TENSORS + (int)t];
}

static train_place take(train_layout *l, int n_rows, int n_cols) {
    train_place p = {l->n_params, n_rows, n_cols};
    l->n_params += (size_t)n_rows * (size_t)n_cols;
    return p;
}

bool train_layout_init(train_layout *l, const train_shape *s, ft__arena *arena) {
    const int D = s->n_embd, Q = s->n_heads * s->head_dim, KV = s->n_kv_heads * s->head_dim, F = s->n_ff;
    const int rows[TRAIN_TENSORS] = {1, Q, KV, KV, D, 1, F, F, D};
    const int cols[TRAIN_TENSORS] = {D, D, D, D, Q, D, D, D, F};
    memset(l, 0, sizeof *l);
    l->shape = *s;
    l->layers = (train_place *)ft__arena_alloc(arena, (size_t)(s->n_layers * TRAIN_TENSORS), sizeof *l->layers);
    if (!l->layers) return false;
    l->embedding = take(l, s->n_vocab, D);
    for (int i = 0; i < s->n_layers * TRAIN_TENSORS; i++)
        l->layers[i] = take(l, rows[i % TRAIN_TENSORS], cols[i % TRAIN_TENSORS]);
    l->output_norm = take(l, 1, D);
    return true;
}

/* ---- memory */

/* What is kept of a layer. */
typedef struct layer_memory {
    float *x, *mid;             /* (tokens, n_embd) before attention, before the gated unit */
    float *x_inverse, *mid_inverse; /* (tokens) of the norms */
    float *q, *att;             /* (tokens, n_heads * head_dim), q turned */
    float *k, *v;               /* (tokens, n_kv_heads * head_dim), k turned */
    float *gate, *up;           /* (tokens, n_ff) */
} layer_memory;

struct train_net {
    ft_allocator allocator;
    ft__arena arena;
    train_layout layout;
    train_kernels kernels;
    ft__pool *pool;
    int max_tokens;
    layer_memory *layers;
    float *x, *x_inverse;       /* behind the last layer */
    float *h;                   /* (tokens, n_embd) a norm's output */
    float *wide, *wide_2;       /* (tokens, widest) */
    float *logits;              /* (tokens, n_vocab) */
    double *losses;             /* (tokens) */
    int *wanted, n_wanted;      /* tokens that have a target */
    float *dx, *dh;             /* (tokens, n_embd) */
    float *dq, *dk, *dv;        /* as q, k, v */
    float *turns;               /* (n_ctx, head_dim) cos and sin by turns */
    float *turns_back;
    float *packed;              /* of a product */
    float **scratch;            /* (threads) of attention: weights, their gradient, packed */
    /* the run at hand */
    const float *params;
    const train_batch *batch;
    float *gradient;
    int layer, next;
    const float *norm_in, *norm_inverse, *norm_dout;
    float *norm_dw;
    bool backwards;
};

static size_t pad16(size_t n) { return (n + 15) / 16 * 16; }

static void fill_turns(train_net *net) {
    const train_shape *s = &net->layout.shape;
    for (int p = 0; p < s->n_ctx; p++)
        for (int i = 0; i < s->head_dim / 2; i++) {
            double sine, cosine, freq = ft__pow((double)s->rope_base, -2.0 * i / s->head_dim);
            const size_t at = (size_t)p * (size_t)s->head_dim + 2 * (size_t)i;
            ft__sincos(p * freq, &sine, &cosine);
            net->turns[at] = net->turns_back[at] = (float)cosine;
            net->turns[at + 1] = (float)sine;
            net->turns_back[at + 1] = -(float)sine;
        }
}

static float *floats(train_net *net, size_t rows, size_t cols) {
    return (float *)ft__arena_alloc(&net->arena, rows * cols + 16, sizeof(float));
}

static bool allocate(train_net *net) {
    const train_shape *s = &net->layout.shape;
    const size_t T = (size_t)net->max_tokens, L = pad16((size_t)s->n_ctx);
    const size_t D = (size_t)s->n_embd, F = (size_t)s->n_ff, V = (size_t)s->n_vocab;
    const size_t H = (size_t)s->head_dim, Q = (size_t)s->n_heads * H, KV = (size_t)s->n_kv_heads * H;
    const size_t wide = Q > F ? Q : F, widest = wide > D ? wide : D, most = widest > V ? widest : V;
    net->layers = (layer_memory *)ft__arena_alloc(&net->arena, (size_t)s->n_layers, sizeof *net->layers);
    for (int i = 0; i < s->n_layers && net->layers; i++) {
        layer_memory *m = &net->layers[i];
        m->x = floats(net, T, D), m->mid = floats(net, T, D);
        m->x_inverse = floats(net, T, 1), m->mid_inverse = floats(net, T, 1);
        m->q = floats(net, T, Q), m->att = floats(net, T, Q);
        m->k = floats(net, T, KV), m->v = floats(net, T, KV);
        m->gate = floats(net, T, F), m->up = floats(net, T, F);
    }
    net->x = floats(net, T, D), net->x_inverse = floats(net, T, 1);
    net->h = floats(net, T, D), net->wide = floats(net, T, widest), net->wide_2 = floats(net, T, widest);
    net->logits = floats(net, T, V);
    net->losses = (double *)ft__arena_alloc(&net->arena, T, sizeof(double));
    net->wanted = (int *)ft__arena_alloc(&net->arena, T, sizeof(int));
    net->dx = floats(net, T, D), net->dh = floats(net, T, D);
    net->dq = floats(net, T, Q), net->dk = floats(net, T, KV), net->dv = floats(net, T, KV);
    net->turns = floats(net, (size_t)s->n_ctx, H), net->turns_back = floats(net, (size_t)s->n_ctx, H);
    /* right matrices are weights (up to n_vocab or n_ff wide, or that deep) or tokens by columns */
    net->packed = floats(net, train_packed_size((int)(most > D ? most : D), (int)(T > most ? T : most)), 1);
    net->scratch = (float **)ft__arena_alloc(&net->arena, (size_t)ft__pool_size(net->pool), sizeof(float *));
    for (int i = 0; i < ft__pool_size(net->pool) && net->scratch; i++)
        net->scratch[i] = floats(net, 2 * L * L + (L + 32) * (L + H + 32), 1);
    return !net->arena.failed;
}

train_net *train_net_create(const train_layout *l, int max_tokens, ft__pool *pool, const ft_allocator *a,
                            ft_error *err) {
    train_net *net = (train_net *)ft__alloc_zero(a, 1, sizeof *net);
    if (!net) {
        ft__fail_memory(err);
        return NULL;
    }
    net->allocator = *a;
    ft__arena_init(&net->arena, a);
    net->layout = *l;
    net->pool = pool;
    net->max_tokens = max_tokens;
    ft_status status = train_kernels_choose(&net->kernels, err);
    if (!status && !allocate(net)) status = ft__fail_memory(err);
    if (status) {
        train_net_free(net);
        return NULL;
    }
    fill_turns(net);
    return net;
}

void train_net_free(train_net *net) {
    if (!net) return;
    ft_allocator a = net->allocator;
    ft__arena_free(&net->arena);
    ft__free(&a, net);
}

/* ---- products with weights, for all tokens (n) */

static train_product product(train_net *net, int m, int n, int k) {
    train_product p;
    memset(&p, 0, sizeof p);
    p.kernels = &net->kernels;
    p.m = m, p.n = n, p.k = k;
    p.packed = net->packed;
    p.ldc = (size_t)n;
    return p;
}

static train_matrix plain(const float *data, int n_cols) {
    train_matrix m = {data, (size_t)n_cols, 1};
    return m;
}

static train_matrix turned(const float *data, int n_cols) {
    train_matrix m = {data, 1, (size_t)n_cols};
    return m;
}

/* out (n, rows of w) = x w^T */
static void linear(train_net *net, train_place w, const float *x, int n, float *out) {
    train_product p = product(net, n, w.n_rows, w.n_cols);
    p.a = plain(x, w.n_cols);
    p.b = turned(net->params + w.at, w.n_cols);
    p.c = out;
    train_multiply_shared(net->pool, &p);
}

/* The gradient of w, and dx (n, columns of w) = or += dout w */
static void linear_back(train_net *net, train_place w, const float *x, const float *dout, int n, float *dx,
                        bool add) {
    train_product p = product(net, w.n_rows, w.n_cols, n);
    p.a = turned(dout, w.n_rows);
    p.b = plain(x, w.n_cols);
    p.c = net->gradient + w.at;
    p.add = true;
    train_multiply_shared(net->pool, &p);
    p = product(net, n, w.n_cols, w.n_rows);
    p.a = plain(dout, w.n_rows);
    p.b = plain(net->params + w.at, w.n_cols);
    p.c = dx;
    p.add = add;
    train_multiply_shared(net->pool, &p);
}

/* ---- rows, in bands of tokens */

enum { TOKENS = 32 };

static int last_token(const train_net *net, int part) {
    const int end = (part + 1) * TOKENS;
    return end < net->batch->n_tokens ? end : net->batch->n_tokens;
}

static void over_tokens(train_net *net, void (*fn)(void *user, int part)) {
    ft__pool_run(net->pool, fn, net, (net->batch->n_tokens + TOKENS - 1) / TOKENS);
}

static const train_place *place(const train_net *net, train_tensor t) {
    return train_at(&net->layout, net->layer, t);
}

static const float *weights(const train_net *net, train_tensor t) { return net->params + place(net, t)->at; }

/* ---- attention: one row of the batch and one head of keys at a time, with all heads of queries on it */

typedef struct attend_work {
    train_net *net;
    int n;                    /* tokens of the row */
    size_t width, Q, KV;
    float *p, *dp;            /* (n, width) */
    train_product product;
} attend_work;

static void attend_multiply(attend_work *w, int m, int n, int k, train_matrix a, train_matrix b, train_part part,
                            float *c, size_t ldc, bool add) {
    train_product *p = &w->product;
    p->m = m, p->n = n, p->k = k;
    p->a = a, p->b = b;
    p->part = part;
    p->c = c, p->ldc = ldc, p->add = add;
    train_multiply(p);
}

static train_matrix strided(const float *data, size_t row, size_t col) {
    train_matrix m = {data, row, col};
    return m;
}

static float attend_scale(const train_net *net) {
    return (float)(1.0 / ft__sqrt((double)net->layout.shape.head_dim));
}

/* p = softmax(scale q k^T), each token up to itself. */
static void attend_weights(attend_work *w, const float *q, const float *k) {
    const int H = w->net->layout.shape.head_dim;
    const float scale = attend_scale(w->net);
    attend_multiply(w, w->n, w->n, H, strided(q, w->Q, 1), strided(k, 1, w->KV), TRAIN_LOWER, w->p, w->width,
                    false);
    for (int i = 0; i < w->n; i++)
        w->net->kernels.softmax(w->p + (size_t)i * w->width, scale, i + 1, (int)w->width);
}

static void attend_forwards(attend_work *w, size_t q_at, size_t k_at) {
    layer_memory *m = &w->net->layers[w->net->layer];
    const int H = w->net->layout.shape.head_dim;
    attend_weights(w, m->q + q_at, m->k + k_at);
    attend_multiply(w, w->n, H, w->n, strided(w->p, w->width, 1), strided(m->v + k_at, w->KV, 1), TRAIN_UNTIL_ROW,
                    m->att + q_at, w->Q, false);
}

/* From the gradient of att in net->wide.  `add`: another head has put its share into dk and dv. */
static void attend_backwards(attend_work *w, size_t q_at, size_t k_at, bool add) {
    train_net *net = w->net;
    layer_memory *m = &net->layers[net->layer];
    const int H = net->layout.shape.head_dim, n = w->n;
    const float *datt = net->wide + q_at, scale = attend_scale(net);
    attend_weights(w, m->q + q_at, m->k + k_at);
    attend_multiply(w, n, n, H, strided(datt, w->Q, 1), strided(m->v + k_at, 1, w->KV), TRAIN_LOWER, w->dp,
                    w->width, false);
    attend_multiply(w, n, H, n, strided(w->p, 1, w->width), strided(datt, w->Q, 1), TRAIN_FROM_ROW, net->dv + k_at,
                    w->KV, add);
    for (int i = 0; i < n; i++)
        net->kernels.softmax_back(w->p + (size_t)i * w->width, w->dp + (size_t)i * w->width, scale, i + 1,
                                  (int)w->width);
    attend_multiply(w, n, H, n, strided(w->dp, w->width, 1), strided(m->k + k_at, w->KV, 1), TRAIN_UNTIL_ROW,
                    net->dq + q_at, w->Q, false);
    attend_multiply(w, n, H, n, strided(w->dp, 1, w->width), strided(m->q + q_at, w->Q, 1), TRAIN_FROM_ROW,
                    net->dk + k_at, w->KV, add);
}

static void attend_item(train_net *net, int item, float *scratch) {
    const train_shape *s = &net->layout.shape;
    const int row = item / s->n_kv_heads, head = item % s->n_kv_heads, group = s->n_heads / s->n_kv_heads;
    const size_t first = (size_t)net->batch->first[row], H = (size_t)s->head_dim, L = pad16((size_t)s->n_ctx);
    attend_work w;
    memset(&w, 0, sizeof w);
    w.net = net;
    w.n = net->batch->first[row + 1] - net->batch->first[row];
    w.width = pad16((size_t)w.n);
    w.Q = (size_t)s->n_heads * H, w.KV = (size_t)s->n_kv_heads * H;
    w.p = scratch;
    w.dp = scratch + L * L;
    w.product.kernels = &net->kernels;
    w.product.packed = scratch + 2 * L * L;
    for (int g = 0; g < group; g++) {
        const size_t q_at = first * w.Q + (size_t)(head * group + g) * H, k_at = first * w.KV + (size_t)head * H;
        if (net->backwards) attend_backwards(&w, q_at, k_at, g > 0);
        else attend_forwards(&w, q_at, k_at);
    }
}

/* Threads take items as they come, each with scratch of its own. */
static void attend_part(void *user, int part) {
    train_net *net = (train_net *)user;
    const int n = net->batch->n_rows * net->layout.shape.n_kv_heads;
    for (int i; (i = __atomic_fetch_add(&net->next, 1, __ATOMIC_RELAXED)) < n;)
        attend_item(net, i, net->scratch[part]);
}

static void attend(train_net *net) {
    net->next = 0;
    ft__pool_run(net->pool, attend_part, net, ft__pool_size(net->pool));
}

/* Queries and keys, or their gradients, by the tokens' places in their rows. */
static void turn_row(train_net *net, int row, float *q, float *k, const float *turns) {
    const train_shape *s = &net->layout.shape;
    const size_t H = (size_t)s->head_dim, n_q = (size_t)s->n_heads, n_k = (size_t)s->n_kv_heads;
    const size_t from = (size_t)net->batch->first[row], end = (size_t)net->batch->first[row + 1];
    for (size_t t = from; t < end; t++) {
        const float *cs = turns + (t - from) * H;
        for (size_t i = 0; i < n_q; i++) net->kernels.turn(q + (t * n_q + i) * H, cs, s->head_dim);
        for (size_t i = 0; i < n_k; i++) net->kernels.turn(k + (t * n_k + i) * H, cs, s->head_dim);
    }
}

static void turn_part(void *user, int row) {
    train_net *net = (train_net *)user;
    layer_memory *m = &net->layers[net->layer];
    if (net->backwards) turn_row(net, row, net->dq, net->dk, net->turns_back);
    else turn_row(net, row, m->q, m->k, net->turns);
}

/* ---- forwards */

static void embed_part(void *user, int part) {
    train_net *net = (train_net *)user;
    const size_t D = (size_t)net->layout.shape.n_embd;
    for (int t = part * TOKENS; t < last_token(net, part); t++)
        memcpy(net->layers[0].x + (size_t)t * D,
               net->params + net->layout.embedding.at + (size_t)net->batch->tokens[t] * D, D * sizeof(float));
}

/* h = norm(x); `inverse` is kept. */
static void norm_rows(train_net *net, int part, const float *x, const float *w, float *inverse) {
    const int D = net->layout.shape.n_embd;
    for (int t = part * TOKENS; t < last_token(net, part); t++)
        inverse[t] = net->kernels.norm(x + (size_t)t * (size_t)D, w, net->layout.shape.eps, D,
                                       net->h + (size_t)t * (size_t)D);
}

static void attn_norm_part(void *user, int part) {
    train_net *net = (train_net *)user;
    layer_memory *m = &net->layers[net->layer];
    norm_rows(net, part, m->x, weights(net, TRAIN_ATTN_NORM), m->x_inverse);
}

/* mid = x + attention's output in dh. */
static void ffn_norm_part(void *user, int part) {
    train_net *net = (train_net *)user;
    layer_memory *m = &net->layers[net->layer];
    const size_t D = (size_t)net->layout.shape.n_embd, at = (size_t)part * TOKENS * D;
    const size_t n = (size_t)(last_token(net, part) - part * TOKENS) * D;
    if (!net->backwards) {
        memcpy(m->mid + at, m->x + at, n * sizeof(float));
        net->kernels.add(m->mid + at, net->dh + at, (int)n);
    }
    norm_rows(net, part, m->mid, weights(net, TRAIN_FFN_NORM), m->mid_inverse);
}

static void silu_part(void *user, int part) {
    train_net *net = (train_net *)user;
    layer_memory *m = &net->layers[net->layer];
    const size_t F = (size_t)net->layout.shape.n_ff, at = (size_t)part * TOKENS * F;
    const int n = (last_token(net, part) - part * TOKENS) * (int)F;
    net->kernels.silu_mul(m->gate + at, m->up + at, n, net->wide + at);
}

/* The next layer's input, or what stands behind the last, = mid + the unit's output in dh. */
static void layer_end_part(void *user, int part) {
    train_net *net = (train_net *)user;
    layer_memory *m = &net->layers[net->layer];
    float *out = net->layer + 1 < net->layout.shape.n_layers ? m[1].x : net->x;
    const size_t D = (size_t)net->layout.shape.n_embd, at = (size_t)part * TOKENS * D;
    const size_t n = (size_t)(last_token(net, part) - part * TOKENS) * D;
    memcpy(out + at, m->mid + at, n * sizeof(float));
    net->kernels.add(out + at, net->dh + at, (int)n);
}

static void forwards(train_net *net) {
    const int n = net->batch->n_tokens;
    net->backwards = false;
    over_tokens(net, embed_part);
    for (net->layer = 0; net->layer < net->layout.shape.n_layers; net->layer++) {
        layer_memory *m = &net->layers[net->layer];
        over_tokens(net, attn_norm_part);
        linear(net, *place(net, TRAIN_Q), net->h, n, m->q);
        linear(net, *place(net, TRAIN_K), net->h, n, m->k);
        linear(net, *place(net, TRAIN_V), net->h, n, m->v);
        ft__pool_run(net->pool, turn_part, net, net->batch->n_rows);
        attend(net);
        linear(net, *place(net, TRAIN_O), m->att, n, net->dh);
        over_tokens(net, ffn_norm_part);
        linear(net, *place(net, TRAIN_GATE), net->h, n, m->gate);
        linear(net, *place(net, TRAIN_UP), net->h, n, m->up);
        over_tokens(net, silu_part);
        linear(net, *place(net, TRAIN_DOWN), net->wide, n, net->dh);
        over_tokens(net, layer_end_part);
    }
}

/* ---- the head, for the tokens that have a target */

static void last_norm_part(void *user, int part) {
    train_net *net = (train_net *)user;
    norm_rows(net, part, net->x, net->params + net->layout.output_norm.at, net->x_inverse);
}

/* Logits after those tokens, whose normed rows go to the front of wide. */
static void head(train_net *net) {
    const size_t D = (size_t)net->layout.shape.n_embd;
    over_tokens(net, last_norm_part);
    net->n_wanted = 0;
    for (int t = 0; t < net->batch->n_tokens; t++) {
        if (net->batch->targets[t] < 0) continue;
        memcpy(net->dh + (size_t)net->n_wanted * D, net->h + (size_t)t * D, D * sizeof(float));
        net->wanted[net->n_wanted++] = t;
    }
    linear(net, net->layout.embedding, net->dh, net->n_wanted, net->logits);
}

static void loss_part(void *user, int i) {
    train_net *net = (train_net *)user;
    const int t = net->wanted[i], V = net->layout.shape.n_vocab;
    const float weight = net->batch->weights[t];
    net->losses[i] = (double)weight * net->kernels.cross_entropy(net->logits + (size_t)i * (size_t)V, V,
                                                                 net->batch->targets[t], weight);
}

/* ---- backwards */

enum { COLUMNS = 32 };

static void norm_weight_part(void *user, int part) {
    train_net *net = (train_net *)user;
    const int D = net->layout.shape.n_embd, n = D - part * COLUMNS < COLUMNS ? D - part * COLUMNS : COLUMNS;
    const int at = part * COLUMNS;
    net->kernels.norm_weight(net->norm_in + at, net->norm_inverse, net->norm_dout + at, (size_t)D,
                             net->batch->n_tokens, n, net->norm_dw + at);
}

static void norm_rows_part(void *user, int part) {
    train_net *net = (train_net *)user;
    const int D = net->layout.shape.n_embd;
    const float *w = net->params + (net->norm_dw - net->gradient);
    for (int t = part * TOKENS; t < last_token(net, part); t++) {
        const size_t at = (size_t)t * (size_t)D;
        net->kernels.norm_back(net->norm_in + at, w, net->norm_inverse[t], net->norm_dout + at, D, net->dx + at);
    }
}

/* From the gradient dout of the norm of x: that of its weights, and dx += that of x. */
static void norm_back(train_net *net, train_place w, const float *x, const float *inverse, const float *dout) {
    net->norm_in = x, net->norm_inverse = inverse, net->norm_dout = dout;
    net->norm_dw = net->gradient + w.at;
    ft__pool_run(net->pool, norm_weight_part, net, (net->layout.shape.n_embd + COLUMNS - 1) / COLUMNS);
    over_tokens(net, norm_rows_part);
}

static void silu_back_part(void *user, int part) {
    train_net *net = (train_net *)user;
    layer_memory *m = &net->layers[net->layer];
    const size_t F = (size_t)net->layout.shape.n_ff, at = (size_t)part * TOKENS * F;
    net->kernels.silu_mul_back(m->gate + at, m->up + at, net->wide_2 + at,
                               (last_token(net, part) - part * TOKENS) * (int)F);
}

static void head_back(train_net *net) {
    const size_t D = (size_t)net->layout.shape.n_embd, T = (size_t)net->batch->n_tokens;
    linear_back(net, net->layout.embedding, net->dh, net->logits, net->n_wanted, net->wide, false);
    memset(net->dh, 0, T * D * sizeof(float));
    memset(net->dx, 0, T * D * sizeof(float));
    for (int i = 0; i < net->n_wanted; i++)
        memcpy(net->dh + (size_t)net->wanted[i] * D, net->wide + (size_t)i * D, D * sizeof(float));
    norm_back(net, net->layout.output_norm, net->x, net->x_inverse, net->dh);
}

static void backwards(train_net *net) {
    const int n = net->batch->n_tokens;
    const size_t D = (size_t)net->layout.shape.n_embd;
    net->backwards = true;
    head_back(net);
    for (net->layer = net->layout.shape.n_layers - 1; net->layer >= 0; net->layer--) {
        layer_memory *m = &net->layers[net->layer];
        over_tokens(net, ffn_norm_part);
        over_tokens(net, silu_part);
        linear_back(net, *place(net, TRAIN_DOWN), net->wide, net->dx, n, net->wide_2, false);
        over_tokens(net, silu_back_part);
        linear_back(net, *place(net, TRAIN_GATE), net->h, m->gate, n, net->dh, false);
        linear_back(net, *place(net, TRAIN_UP), net->h, m->up, n, net->dh, true);
        norm_back(net, *place(net, TRAIN_FFN_NORM), m->mid, m->mid_inverse, net->dh);
        linear_back(net, *place(net, TRAIN_O), m->att, net->dx, n, net->wide, false);
        attend(net);
        ft__pool_run(net->pool, turn_part, net, net->batch->n_rows);
        over_tokens(net, attn_norm_part);
        linear_back(net, *place(net, TRAIN_Q), net->h, net->dq, n, net->dh, false);
        linear_back(net, *place(net, TRAIN_K), net->h, net->dk, n, net->dh, true);
        linear_back(net, *place(net, TRAIN_V), net->h, net->dv, n, net->dh, true);
        norm_back(net, *place(net, TRAIN_ATTN_NORM), m->x, m->x_inverse, net->dh);
    }
    for (int t = 0; t < n; t++)
        net->kernels.add(net->gradient + net->layout.embedding.at + (size_t)net->batch->tokens[t] * D,
                         net->dx + (size_t)t * D, (int)D);
}

double train_net_run(train_net *net, const float *params, const train_batch *b, float *gradient) {
    double loss = 0;
    net->params = params;
    net->batch = b;
    net->gradient = gradient;
    forwards(net);
    head(net);
    ft__pool_run(net->pool, loss_part, net, net->n_wanted);
    for (int i = 0; i < net->n_wanted; i++) loss += net->losses[i];
    if (gradient) backwards(net);
    return loss;
}

const float *train_net_logits(train_net *net, const float *params, const train_batch *b) {
    net->params = params;
    net->batch = b;
    forwards(net);
    head(net);
    return net->logits;
}
