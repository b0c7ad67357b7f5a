/* LoRA adapters (Hu et al. 2021) from GGUF: for a weight W the file holds NAME.lora_a (rank, in) and
   NAME.lora_b (out, rank); the product is W x + scale * (alpha / rank) * B (A x).  Each tensor must find
   its weight: an adapter that touches nothing would be scored as if it were the base. */
#include "peft.h"

FT__PRIV const ft__delta *ft__adapter_delta(const ft_adapter *a, int layer, ft__module module) {
    int at = module == FT__HEAD ? a->model->info.n_layers : layer;
    return &a->deltas[(size_t)at * FT__LAYER_MODULES + (module == FT__HEAD ? 0 : (size_t)module)];
}

/* "blk.3.attn_q.weight.lora_a" -> layer 3, module, which factor.  False if there is no such place. */
static bool ft__adapter_place(const ft_model *m, const char *name, int *layer, ft__module *module,
                              bool *is_b) {
    char expected[64];
    *layer = 0;
    const char *rest = name;
    if (strncmp(name, "blk.", 4) == 0) {
        for (rest = name + 4; *rest >= '0' && *rest <= '9' && *layer < 100000; rest++)
            *layer = *layer * 10 + (*rest - '0');
        if (rest == name + 4 || *rest++ != '.' || *layer >= m->info.n_layers) return false;
    }
    for (int i = 0; i < FT__MODULES; i++) {
        if ((i == FT__HEAD) != (rest == name)) continue;
        for (int b = 0; b < 2; b++) {
            *module = (ft__module)i;
            *is_b = b == 1;
            snprintf(expected, sizeof expected, "%s.weight.lora_%c", ft__module_name(*module), "ab"[b]);
            if (strcmp(rest, expected) == 0) return ft__model_linear(m, *layer, *module)->w.format != NULL;
        }
    }
    return false;
}

/* The factor as floats; B (out, rank) is turned so that outputs lie side by side. */
static ft_status ft__adapter_factor(ft_adapter *a, const ft__gguf_tensor *t, ft__delta *delta, bool is_b,
                                    const char *where, ft_error *err) {
    const ft__format *format = ft__format_find(t->type);
    const size_t n_in = (size_t)t->ne[0], n_out = (size_t)t->ne[1];
    size_t n;
    if (!format->decode)
        return ft__fail(err, FT_ERR_UNSUPPORTED, where, "type %s is not in this version", format->name);
    if (!ft__mul_size(n_in, n_out, &n)) return ft__fail_memory(err);
    float *values = (float *)ft__arena_alloc(&a->arena, n, sizeof *values);
    float *turned = is_b ? (float *)ft__arena_alloc(&a->arena, n, sizeof *values) : values;
    if (!values || !turned) return ft__fail_memory(err);
    format->decode(t->data, n, values);
    for (size_t i = 0; i < n; i++)
        if (!ft__finite((double)values[i]))
            return ft__fail(err, FT_ERR_FORMAT, where, "a factor holds an infinity or a NaN");
    for (size_t r = 0; is_b && r < n_out; r++)
        for (size_t k = 0; k < n_in; k++) turned[k * n_out + r] = values[r * n_in + k];
    if (is_b) {
        delta->b = turned;
        delta->n_out = (int)n_out;
        delta->rank_b = (int)n_in;
        return FT_OK;
    }
    delta->a.format = ft__format_find(FT__FORMAT_F32);
    delta->a.data = (const uint8_t *)values;
    delta->a.n_rows = delta->rank = (int)n_out;
    delta->a.n_cols = (int)n_in;
    delta->a.row_bytes = n_in * sizeof *values;
    return FT_OK;
}

static ft_status ft__adapter_tensor(ft_adapter *a, const ft__gguf_tensor *t, const char *path,
                                    ft_error *err) {
    char where[384];
    int layer;
    ft__module module;
    bool is_b;
    snprintf(where, sizeof where, "%s: %s", path, t->name);
    if (!ft__adapter_place(a->model, t->name, &layer, &module, &is_b))
        return ft__fail(err, FT_ERR_MISMATCH, where, "the model has no weight for this tensor");
    const ft__matrix *w = &ft__model_linear(a->model, layer, module)->w;
    uint64_t wide = (uint64_t)(is_b ? w->n_rows : w->n_cols);
    if (t->ne[is_b ? 1 : 0] != wide || t->ne[2] != 1 || t->ne[3] != 1 || t->ne[is_b ? 0 : 1] > 65536)
        return ft__fail(err, FT_ERR_MISMATCH, where,
                        "found shape [%llu, %llu], expected %s of the model's weight [%d, %d]",
                        (unsigned long long)t->ne[0], (unsigned long long)t->ne[1],
                        is_b ? "[rank, outputs]" : "[inputs, rank]", w->n_cols, w->n_rows);
    ft__delta *delta = (ft__delta *)(uintptr_t)ft__adapter_delta(a, layer, module);
    return ft__adapter_factor(a, t, delta, is_b, where, err);
}

/* Both factors or none, of one rank. */
static ft_status ft__adapter_ranks(ft_adapter *a, const char *path, ft_error *err) {
    int n = a->model->info.n_layers * FT__LAYER_MODULES + 1;
    for (int i = 0; i < n; i++) {
        ft__delta *d = &a->deltas[i];
        ft__module module = i == n - 1 ? FT__HEAD : (ft__module)(i % FT__LAYER_MODULES);
        if (!d->rank && !d->rank_b) continue;
        if (d->rank != d->rank_b)
            return ft__fail(err, FT_ERR_FORMAT, path, "blk.%d.%s: lora_a has rank %d, lora_b %d",
                            i / FT__LAYER_MODULES, ft__module_name(module), d->rank, d->rank_b);
        if (d->rank > a->max_rank) a->max_rank = d->rank;
    }
    if (!a->max_rank) return ft__fail(err, FT_ERR_MISMATCH, path, "the adapter holds no tensors");
    return FT_OK;
}

/* What the file says about itself has to fit before any tensor is looked at. */
static ft_status ft__adapter_check(ft_adapter *a, const ft__gguf *g, ft_error *err) {
    static const char *const keys[3] = {"general.type", "adapter.type", "general.architecture"};
    const char *const expected[3] = {"adapter", "lora", a->model->info.architecture};
    double alpha = 0;
    for (int i = 0; i < 3; i++) {
        ft__gguf_str found = {"", 0};
        ft_status status = ft__gguf_string(g, keys[i], &found, err);
        if (status) return status;
        if (!ft__text_equal(found.data, found.len, expected[i], strlen(expected[i])))
            return ft__fail(err, i == 2 ? FT_ERR_MISMATCH : FT_ERR_FORMAT, g->path,
                            "%s: found \"%.*s\", expected \"%s\"", keys[i],
                            (int)(found.len > 64 ? 64 : found.len), found.data, expected[i]);
    }
    ft_status status = ft__gguf_float(g, "adapter.lora.alpha", &alpha, err);
    if (!status && !ft__finite(alpha))
        status = ft__fail(err, FT_ERR_FORMAT, g->path, "adapter.lora.alpha is not finite");
    a->alpha = (float)alpha;
    return status;
}

static ft_status ft__adapter_read(ft_adapter *a, const char *path, ft_error *err) {
    ft__gguf g;
    ft_status status = ft__is_folder(path) ? ft__peft_open(&g, path, a->model, err)
                                           : ft__split_gguf_open(&g, path, &a->model->allocator, err);
    if (status) return status;
    size_t n = (size_t)a->model->info.n_layers * FT__LAYER_MODULES + 1;
    a->deltas = (ft__delta *)ft__arena_alloc(&a->arena, n, sizeof *a->deltas);
    status = a->deltas ? ft__adapter_check(a, &g, err) : ft__fail_memory(err);
    for (size_t i = 0; i < g.n_tensors && !status; i++)
        status = ft__adapter_tensor(a, &g.tensors[i], path, err);
    if (!status) status = ft__adapter_ranks(a, path, err);
    ft__gguf_close(&g);
    return status;
}

ft_adapter *ft_adapter_load(const ft_model *model, const char *path, ft_error *err) {
    if (!model->layers) {
        ft__fail(err, FT_ERR_ARGUMENT, path, "the model was loaded without its weights");
        return NULL;
    }
    ft_adapter *a = (ft_adapter *)ft__alloc_zero(&model->allocator, 1, sizeof *a);
    if (!a) {
        ft__fail_memory(err);
        return NULL;
    }
    a->model = model;
    ft__arena_init(&a->arena, &model->allocator);
    if (ft__adapter_read(a, path, err) == FT_OK) return a;
    ft_adapter_free(a);
    return NULL;
}

void ft_adapter_free(ft_adapter *a) {
    if (!a) return;
    ft_allocator allocator = a->model->allocator;
    ft__arena_free(&a->arena);
    ft__free(&allocator, a);
}
