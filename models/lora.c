/* Low-rank adapters (Hu et al. 2021).  An adapter is trained as what it is, W + scale B A: each step adds the
   product to the base's weights, runs the network as for a whole model, and takes the factors' gradients from
   the weights'.  On matrices this small that costs little, and the network knows nothing of adapters. */
#include "train.h"

ft_status train_lora_init(train_lora *l, const train_layout *layout, const train_recipe *r, ft__pool *pool,
                          ft__arena *arena, ft_error *err) {
    const int n = layout->shape.n_layers * TRAIN_TENSORS;
    int n_found = 0;
    size_t most = 0;
    memset(l, 0, sizeof *l);
    l->layout = layout;
    l->pool = pool;
    l->rank = r->rank;
    l->scale = (float)(r->alpha / r->rank);
    l->at = (size_t *)ft__arena_alloc(arena, (size_t)n, sizeof *l->at);
    if (!l->at) return ft__fail_memory(err);
    for (int i = 0; i < n; i++) {
        const train_place p = layout->layers[i];
        const size_t wide = (size_t)(p.n_rows > p.n_cols ? p.n_rows : p.n_cols);
        bool wanted = r->n_modules == 0 && p.n_rows > 1;
        const char *name = train_tensor_name((train_tensor)(i % TRAIN_TENSORS));
        for (int k = 0; k < r->n_modules; k++) wanted |= p.n_rows > 1 && strcmp(r->modules[k], name) == 0;
        l->at[i] = wanted ? l->n_params : SIZE_MAX;
        n_found += wanted;
        if (wanted) l->n_params += (size_t)l->rank * (size_t)(p.n_rows + p.n_cols);
        most = wide > most ? wide : most;
    }
    if (n_found < r->n_modules * layout->shape.n_layers || !n_found)
        return ft__fail(err, FT_ERR_DATA, "modules", "expected names like \"attn_q\" and \"ffn_down\"");
    l->scaled = (float *)ft__arena_alloc(arena, most * (size_t)l->rank, sizeof(float));
    /* right matrices are factors and, for that of A, gradients of weights; a rank may be the larger side */
    const int side = most > (size_t)l->rank ? (int)most : l->rank;
    l->packed = (float *)ft__arena_alloc(arena, train_packed_size(side, side), sizeof(float));
    if (!l->scaled || !l->packed) return ft__fail_memory(err);
    return train_kernels_choose(&l->kernels, err);
}

static train_matrix matrix(const float *data, size_t row, size_t col) {
    train_matrix m = {data, row, col};
    return m;
}

static void multiply(const train_lora *l, int m, int n, int k, train_matrix a, train_matrix b, float *c, bool add) {
    train_product p;
    memset(&p, 0, sizeof p);
    p.kernels = &l->kernels;
    p.m = m, p.n = n, p.k = k;
    p.a = a, p.b = b, p.c = c;
    p.ldc = (size_t)n;
    p.add = add;
    p.packed = l->packed;
    train_multiply_shared(l->pool, &p);
}

static const float *scaled(const train_lora *l, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) l->scaled[i] = l->scale * x[i];
    return l->scaled;
}

void train_lora_merge(const train_lora *l, const float *base, const float *factors, float *merged) {
    const train_layout *layout = l->layout;
    const size_t r = (size_t)l->rank;
    memcpy(merged, base, layout->n_params * sizeof(float));
    for (int i = 0; i < layout->shape.n_layers * TRAIN_TENSORS; i++) {
        const train_place p = layout->layers[i];
        const size_t rows = (size_t)p.n_rows, cols = (size_t)p.n_cols;
        if (l->at[i] == SIZE_MAX) continue;
        const float *a = factors + l->at[i], *b = scaled(l, a + r * cols, rows * r);
        multiply(l, p.n_rows, p.n_cols, l->rank, matrix(b, r, 1), matrix(a, cols, 1), merged + p.at, true);
    }
}

/* dA = scale B^T G and dB = scale G A^T, where G is the weights' gradient. */
void train_lora_gradient(const train_lora *l, const float *factors, const float *weights, float *gradient) {
    const train_layout *layout = l->layout;
    const size_t r = (size_t)l->rank;
    for (int i = 0; i < layout->shape.n_layers * TRAIN_TENSORS; i++) {
        const train_place p = layout->layers[i];
        const size_t rows = (size_t)p.n_rows, cols = (size_t)p.n_cols;
        if (l->at[i] == SIZE_MAX) continue;
        const float *g = weights + p.at, *a = factors + l->at[i];
        float *da = gradient + l->at[i];
        const float *b = scaled(l, a + r * cols, rows * r);
        multiply(l, l->rank, p.n_cols, p.n_rows, matrix(b, 1, r), matrix(g, cols, 1), da, false);
        a = scaled(l, a, r * cols);
        multiply(l, p.n_rows, l->rank, p.n_cols, matrix(g, cols, 1), matrix(a, 1, cols), da + r * cols, false);
    }
}
