/* What variants make of the model: linear maps, rows of the embedding, norms and biases, each token's as its
   variant has it.  With the uses u of a variant, their scales s and factors f, in this order:
       y = W x                          or another tensor's product with x, where an adapter has one
       y = y + (p gain_u) s_u           DoRA; p = W x for all of them
       y = y + bias                     the model's, or an adapter's instead
       y = y + (s_u f_u) B_u (A_u x)    then y = y + (s_u f_u) bias_u, use after use
   What only adds to W x costs the others in the batch nothing: the first and third line are one product then. */
#include "model.h"

FT__PRIV const float *ft__forward_vector(const ft__forward *f, int variant, const float *vector) {
    const ft__adaptation *v = &f->variants[variant];
    for (int i = 0; i < v->n_uses && vector; i++) {
        const ft_adapter *a = v->uses[i].adapter;
        if (!a->n_vectors || v->uses[i].scale == 0) continue;
        for (int k = 0; k < a->n_changes; k++) { /* rows of a map have a piece of its bias */
            const ft__change *c = &a->changes[k];
            if (c->vector && vector >= c->replaces && vector < c->replaces + c->n_vector)
                return c->vector + (vector - c->replaces);
        }
    }
    return vector;
}

/* What a variant makes of a map before anything is added to it. */
typedef struct ft__linear_view {
    const ft__change *whole; /* another tensor, or NULL */
    bool gained;
    const float *bias;
} ft__linear_view;

static ft__linear_view ft__linear_view_of(const ft__forward *f, int variant, const ft__linear *l) {
    const ft__adaptation *v = &f->variants[variant];
    ft__linear_view view = {NULL, false, ft__forward_vector(f, variant, l->bias)};
    for (int i = 0; i < v->n_uses; i++) {
        const ft__change *c = ft__adapter_change(v->uses[i].adapter, l);
        if (!c || v->uses[i].scale == 0) continue;
        if (c->whole.data) view.whole = c;
        if (c->gain) view.gained = true;
    }
    return view;
}

/* The end of the tokens from t on that have one variant. */
static int ft__linear_alike(const int *variants, int t, int n) {
    int end = t + 1;
    while (end < n && variants[end] == variants[t]) end++;
    return end;
}

/* Tokens first .. first + n; those of tiles in whole tiles. */
static ft__acts ft__linear_some(const ft__acts *all, int first, int n) {
    const size_t at = (size_t)first * (size_t)all->n_cols, at_block = at / FT__BLOCK;
    ft__acts a = *all;
    a.n_tokens = n;
    a.x += at;
    if (a.q) a.q += at, a.scale += at_block;
    if (a.tiles) a.tiles += at_block * FT__TILE_TOKEN_BYTES;
    return a;
}

typedef struct ft__linear_gains {
    const ft__adaptation *variant;
    const ft__linear *l;
    float *out;
    size_t ld;
} ft__linear_gains;

/* One token, some outputs at a time, so that W x stays at hand. */
static void ft__linear_gain_part(void *user, int t) {
    const ft__linear_gains *g = (const ft__linear_gains *)user;
    float product[64];
    for (int r = 0; r < g->l->w.n_rows; r += 64) {
        const int n = g->l->w.n_rows - r < 64 ? g->l->w.n_rows - r : 64;
        float *out = g->out + (size_t)t * g->ld + r;
        memcpy(product, out, (size_t)n * sizeof *product);
        for (int i = 0; i < g->variant->n_uses; i++) {
            const float scale = g->variant->uses[i].scale;
            const ft__change *c = ft__adapter_change(g->variant->uses[i].adapter, g->l);
            if (!c || !c->gain || scale == 0) continue;
            const float *gain = c->gain + g->l->first_row + r;
            for (int k = 0; k < n; k++) out[k] = out[k] + (product[k] * gain[k]) * scale;
        }
    }
}

/* The first three lines, for tokens of one variant; the first is done already if it is the model's. */
static void ft__linear_own(ft__forward *f, int variant, const ft__linear *l, const ft__acts *a, float *out,
                            size_t ld) {
    const ft__kernels *k = &f->model->kernels;
    const ft__linear_view view = ft__linear_view_of(f, variant, l);
    if (view.whole) {
        ft__matrix w = view.whole->whole;
        w.data += (size_t)l->first_row * w.row_bytes;
        w.n_rows = l->w.n_rows;
        ft__matmul(f->pool, k, &w, NULL, a, out, ld);
    } else if (view.gained) {
        ft__linear_gains gains = {&f->variants[variant], l, out, ld};
        ft__forward_share(f, ft__linear_gain_part, &gains, a->n_tokens,
                          (size_t)a->n_tokens * (size_t)l->w.n_rows * 3);
    }
    for (int t = 0; t < a->n_tokens && view.bias; t++) k->add(out + (size_t)t * ld, view.bias, l->w.n_rows);
}

/* The last line, for one use. */
static void ft__linear_delta(ft__forward *f, const ft_adapter_use *use, const ft__linear *l, const ft__acts *a,
                              float *out, size_t ld) {
    const ft__kernels *k = &f->model->kernels;
    const ft__change *c = ft__adapter_change(use->adapter, l);
    if (!c || !c->rank || use->scale == 0) return;
    const ft__matrix factor_a = ft__change_a(c, l);
    const float factor = use->scale * c->factor;
    ft__matmul(f->pool, k, &factor_a, NULL, a, f->scratch->low, (size_t)c->rank);
    ft__low_rank(f->pool, k, ft__change_b(c, l), c->rank, l->w.n_rows, f->scratch->low, a->n_tokens, factor, out,
                 ld);
    for (int t = 0; t < a->n_tokens && c->bias; t++) {
        const float *bias = c->bias + l->first_row;
        float *y = out + (size_t)t * ld;
        for (int r = 0; r < l->w.n_rows; r++) y[r] = y[r] + factor * bias[r];
    }
}

FT__PRIV void ft__forward_linear(ft__forward *f, const ft__linear *l, const ft__acts *a, const int *variants,
                                 float *out, size_t ld) {
    int first = a->n_tokens, last = 0; /* whom the model's own product concerns */
    bool plain = true;                 /* nobody needs it without the bias */
    for (int t = 0, end; t < a->n_tokens; t = end) {
        const ft__linear_view view = ft__linear_view_of(f, variants[t], l);
        end = ft__linear_alike(variants, t, a->n_tokens);
        plain = plain && !view.whole && !view.gained && view.bias == l->bias;
        if (view.whole) continue;
        if (first > t) first = t;
        last = end;
    }
    if (first < last) { /* in whole tiles; others among them write over it */
        first -= first % FT__TILE_TOKENS;
        last += (FT__TILE_TOKENS - last % FT__TILE_TOKENS) % FT__TILE_TOKENS;
        if (last > a->n_tokens) last = a->n_tokens;
        const ft__acts some = ft__linear_some(a, first, last - first);
        ft__matmul(f->pool, &f->model->kernels, &l->w, plain ? l->bias : NULL, &some, out + (size_t)first * ld, ld);
    }
    for (int t = 0, end; t < a->n_tokens; t = end) {
        const ft__adaptation *v = &f->variants[variants[t]];
        end = ft__linear_alike(variants, t, a->n_tokens);
        ft__acts some = *a; /* adapters take the floats */
        some.n_tokens = end - t;
        some.x += (size_t)t * (size_t)a->n_cols;
        if (!plain) ft__linear_own(f, variants[t], l, &some, out + (size_t)t * ld, ld);
        for (int i = 0; i < v->n_uses; i++)
            ft__linear_delta(f, &v->uses[i], l, &some, out + (size_t)t * ld, ld);
    }
}

/* The row of a token as its variant has it. */
FT__PRIV void ft__forward_embed(ft__forward *f, const ft__slot *slot, float *x) {
    const ft_model *m = f->model;
    const ft__adaptation *v = &f->variants[slot->variant];
    const ft__linear_view view = ft__linear_view_of(f, slot->variant, &m->embedding);
    const ft__matrix *w = view.whole ? &view.whole->whole : &m->embedding.w;
    w->format->decode(w->data + (size_t)slot->token * w->row_bytes, (size_t)w->n_cols, x);
    for (int i = 0; i < v->n_uses; i++) {
        const ft__change *c = ft__adapter_change(v->uses[i].adapter, &m->embedding);
        if (c && c->rank && v->uses[i].scale != 0)
            m->kernels.low_rank(c->b, c->rank, w->n_cols, c->a + (size_t)slot->token * (size_t)c->rank, 1,
                                v->uses[i].scale * c->factor, x, (size_t)w->n_cols);
    }
}
