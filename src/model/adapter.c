/* Adapters in use: what one changes of a map, of a tensor's rows, and whether several go together.  An adapter
   at scale s adds s times its change to what the model has, W + s (W' - W); several add their changes, each
   against the model's own W.  Another tensor in the place of W is there or not: s is 1 or 0. */
#include "model.h"

FT__PRIV const char *ft__change_kind(const ft__change *c) {
    if (!c->rank) return "replacement";
    return c->gain ? "dora" : "lora";
}

FT__PRIV const ft__change *ft__adapter_change(const ft_adapter *a, const ft__linear *l) {
    return l->tensor < 0 ? NULL : a->change_of[l->tensor];
}

FT__PRIV ft__matrix ft__change_a(const ft__change *c, const ft__linear *l) {
    const size_t n = (size_t)c->rank * (size_t)c->n_in, expert = (size_t)(l->first_row / c->n_out);
    ft__matrix w = {ft__format_find(FT__FORMAT_F32), (const uint8_t *)(c->a + expert * n), NULL, c->rank, c->n_in,
                    (size_t)c->n_in * sizeof *c->a};
    return w;
}

FT__PRIV const float *ft__change_b(const ft__change *c, const ft__linear *l) {
    return c->b + (size_t)c->rank * (size_t)l->first_row;
}

/* ---- a change as numbers, for merging and for reports */

/* The rows of the tensor that lie turned together with `row`: those of its map, or of a slice of it. */
static void ft__adapter_section(const ft_model *m, int tensor, uint64_t row, uint64_t *first, uint64_t *n) {
    *first = row;
    *n = 1;
    for (int i = 0; i < m->n_maps; i++) {
        const ft__linear *l = m->maps[i].linear;
        const uint64_t begin = (uint64_t)l->first_row, size = (uint64_t)(l->w.n_rows / m->maps[i].n_slices);
        if (l->tensor != tensor || row < begin || row >= begin + (uint64_t)l->w.n_rows) continue;
        *n = size;
        *first = begin + (row - begin) / size * size;
        return;
    }
}

/* sum (n_in) = factor B A of one row. */
static void ft__adapter_product(const ft_adapter *a, const ft__change *c, uint64_t row, double *sum) {
    const size_t n_in = (size_t)c->n_in, rank = (size_t)c->rank;
    memset(sum, 0, n_in * sizeof *sum);
    if (c->embedding) {
        const float *of_row = c->a + row * rank;
        for (size_t k = 0; k < rank; k++)
            for (size_t i = 0; i < n_in; i++)
                sum[i] += (double)c->factor * (double)of_row[k] * (double)c->b[k * n_in + i];
        return;
    }
    uint64_t first, n;
    ft__adapter_section(a->model, c->tensor, row, &first, &n);
    const float *b = c->b + rank * first + (row - first);
    const float *of_expert = c->a + row / (uint64_t)c->n_out * rank * n_in;
    for (size_t k = 0; k < rank; k++) {
        const double factor = (double)c->factor * (double)b[k * n];
        for (size_t i = 0; i < n_in; i++) sum[i] += factor * (double)of_expert[k * n_in + i];
    }
}

/* w += own - base; exact where nothing else has changed w. */
static void ft__adapter_replace(float *w, const float *base, const double *own, size_t n) {
    for (size_t i = 0; i < n; i++)
        w[i] = w[i] == base[i] ? (float)own[i] : (float)((double)w[i] + (own[i] - (double)base[i]));
}

static void ft__adapter_apply_row(const ft_adapter *a, const ft__change *c, float scale, uint64_t row,
                                  const float *base, float *w, float *values, double *sum) {
    const size_t n_in = (size_t)c->n_in;
    if (c->vector || c->whole.data) {
        if (c->vector) memcpy(values, c->vector + row * n_in, n_in * sizeof *values);
        else c->whole.format->decode(c->whole.data + row * c->whole.row_bytes, n_in, values);
        for (size_t i = 0; i < n_in; i++) sum[i] = (double)values[i];
        ft__adapter_replace(w, base, sum, n_in);
        return;
    }
    ft__adapter_product(a, c, row, sum);
    const double gain = c->gain ? (double)c->gain[row] : 0;
    for (size_t i = 0; i < n_in; i++)
        w[i] = (float)((double)w[i] + (double)scale * (gain * (double)base[i] + sum[i]));
}

FT__PRIV ft_status ft__adapter_apply(const ft_adapter *a, float scale, int tensor, uint64_t first_row,
                                     uint64_t n_rows, const float *base, float *w, ft_error *err) {
    const ft_allocator *allocator = &a->model->allocator;
    const ft__change *c = tensor < 0 || tensor > (int)a->model->file.n_tensors ? NULL : a->change_of[tensor];
    if (!c || scale == 0) return FT_OK;
    const uint64_t all = (uint64_t)c->n_out * (uint64_t)c->depth;
    if (first_row > all || n_rows > all - first_row)
        return ft__fail(err, FT_ERR_ARGUMENT, ft__model_tensor_name(a->model, tensor),
                        "rows %llu to %llu are asked for, there are %llu", (unsigned long long)first_row,
                        (unsigned long long)(first_row + n_rows), (unsigned long long)all);
    double *sum = (double *)ft__alloc_zero(allocator, (size_t)c->n_in, sizeof *sum);
    float *values = (float *)ft__alloc_zero(allocator, (size_t)c->n_in, sizeof *values);
    for (uint64_t r = 0; r < n_rows && sum && values; r++) {
        const size_t at = (size_t)r * (size_t)c->n_in;
        ft__adapter_apply_row(a, c, scale, first_row + r, base + at, w + at, values, sum);
    }
    const bool ok = sum && values;
    ft__free(allocator, sum);
    ft__free(allocator, values);
    return ok ? FT_OK : ft__fail_memory(err);
}

static bool ft__adapter_zeros(const float *x, size_t n) {
    size_t i = 0;
    while (x && i < n && x[i] == 0) i++;
    return !x || i == n;
}

FT__PRIV bool ft__adapter_idle(const ft_adapter *a, float scale) {
    bool idle = true;
    for (int i = 0; i < a->n_changes && idle && scale != 0; i++) {
        const ft__change *c = &a->changes[i];
        const size_t rank = (size_t)c->rank, rows = (size_t)c->n_out * (size_t)c->depth, n_in = (size_t)c->n_in;
        const size_t n_a = rank * (c->embedding ? rows : n_in * (size_t)c->depth);
        const size_t n_b = rank * (c->embedding ? n_in : rows);
        idle = !c->whole.data && !c->vector && ft__adapter_zeros(c->gain, rows) &&
               (c->factor == 0 || (ft__adapter_zeros(c->bias, rows) &&
                                   (ft__adapter_zeros(c->a, n_a) || ft__adapter_zeros(c->b, n_b))));
    }
    return idle;
}

/* ---- several together */

static bool ft__change_replaces(const ft__change *c) { return c->whole.data || c->vector; }

/* One of two that meet at a tensor replaces it. */
static ft_status ft__adapter_check_pair(const ft_model *m, const ft__change *c, const ft__change *other, int i,
                                        int k, ft_error *err) {
    const char *name = ft__model_tensor_name(m, c->tensor);
    if (ft__change_replaces(c) && ft__change_replaces(other))
        return ft__fail(err, FT_ERR_MISMATCH, name, "adapters %d and %d both replace it", i, k);
    if ((ft__change_replaces(c) && other->gain) || (ft__change_replaces(other) && c->gain))
        return ft__fail(err, FT_ERR_UNSUPPORTED, name, "adapters %d and %d are DoRA of it and replace it", i, k);
    return FT_OK;
}

FT__PRIV ft_status ft__adapter_check_uses(const ft_adapter_use *uses, int n_uses, ft_error *err) {
    ft_status status = FT_OK;
    for (int i = 0; i < n_uses; i++) {
        const ft_adapter *a = uses[i].adapter;
        for (int n = 0; n < a->n_changes && uses[i].scale != 0 && !status; n++) {
            const ft__change *c = &a->changes[n];
            if (ft__change_replaces(c) && uses[i].scale != 1)
                return ft__fail(err, FT_ERR_UNSUPPORTED, ft__model_tensor_name(a->model, c->tensor),
                                "adapter %d replaces it: the scale can only be 0 or 1", i);
            for (int k = i + 1; k < n_uses && !status; k++) {
                const ft__change *other = uses[k].adapter->change_of[c->tensor];
                if (other && uses[k].scale != 0) status = ft__adapter_check_pair(a->model, c, other, i, k, err);
            }
        }
    }
    return status;
}

void ft_adapter_free(ft_adapter *a) {
    if (!a) return;
    ft_allocator allocator = a->model->allocator;
    ft__arena_free(&a->arena);
    ft__free(&allocator, a);
}
