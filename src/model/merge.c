/* Adapters merged into the weights: W + the sum of scale times change, tensor by tensor, encoded into the type
   that the tensor had or that was asked for.  Changes are added in double to the decoded rows (adapter.c), so a
   merged F32 model differs from the running adapter by rounding alone; a quantised one by what encoding loses.
   How much that is of the change stands in the report: a change that is small beside the steps of the type drowns,
   and then the merged file is not the model that was judged.

   Two things need tensors that the file may not have: a bias behind B where the map has none, and the head of a
   model whose head is its embedding, once only one of the two changes. */
#include "model.h"

/* What the adapters do to one item. */
typedef struct ft__merge_place {
    int tensor; /* as ft__adapter_apply counts, or -1 */
    int map;    /* tensor of the map whose bias this is, or -1 */
} ft__merge_place;

typedef struct ft__merge {
    ft__rewrite w;
    const ft_model *m;
    const ft_adapter_use *uses;
    int n_uses;
    ft__arena arena;
    ft__merge_place *places; /* (w.n_items) */
} ft__merge;

/* ---- what changes */

static const ft__change *ft__merge_change_of(const ft__merge *g, int use, int tensor) {
    return g->uses[use].scale == 0 ? NULL : g->uses[use].adapter->change_of[tensor];
}

static bool ft__merge_changes(const ft__merge *g, int tensor) {
    for (int i = 0; i < g->n_uses; i++)
        if (ft__merge_change_of(g, i, tensor)) return true;
    return false;
}

/* Whether one of the adapters has a bias behind the map's B. */
static bool ft__merge_has_bias(const ft__merge *g, int tensor) {
    for (int i = 0; i < g->n_uses; i++) {
        const ft__change *c = ft__merge_change_of(g, i, tensor);
        if (c && c->bias) return true;
    }
    return false;
}

static ft_status ft__merge_apply(void *user, const ft__rewrite_item *item, uint64_t first_row, uint64_t n_rows,
                                 const float *base, float *w, ft_error *err) {
    const ft__merge *g = (const ft__merge *)user;
    const ft__merge_place *at = &g->places[item - g->w.items];
    for (int i = 0; i < g->n_uses; i++) {
        const ft_adapter_use *use = &g->uses[i];
        const ft__change *c = at->map < 0 ? NULL : ft__merge_change_of(g, i, at->map);
        ft_status status = at->tensor < 0 ? FT_OK
                                          : ft__adapter_apply(use->adapter, use->scale, at->tensor, first_row, n_rows,
                                                              base, w, err);
        if (status) return status;
        for (int k = 0; c && c->bias && k < c->n_out; k++)
            w[k] = (float)((double)w[k] + (double)use->scale * (double)c->factor * (double)c->bias[k]);
    }
    return FT_OK;
}

/* ---- tensors that are new */

static ft__rewrite_item *ft__merge_add(ft__merge *g, const ft__gguf_tensor *from, const char *name) {
    ft__rewrite_item *item = &g->w.items[g->w.n_items];
    g->places[g->w.n_items].tensor = g->places[g->w.n_items].map = -1;
    g->w.n_items++;
    item->from = from;
    item->name = name;
    item->type = from->type;
    return item;
}

/* The head as a tensor of its own. */
static void ft__merge_head(ft__merge *g) {
    const int head = (int)g->m->file.n_tensors, embedding = g->m->embedding.tensor;
    if (g->m->output.tensor != head || (!ft__merge_changes(g, head) && !ft__merge_changes(g, embedding))) return;
    ft__rewrite_item *item = ft__merge_add(g, &g->m->file.tensors[embedding], "output.weight");
    item->type = g->w.items[embedding].type;
    item->changes = ft__merge_changes(g, head);
    g->places[item - g->w.items].tensor = head;
}

/* Whether the maps of this name may have a bias: what all architectures read where it is there. */
static bool ft__merge_takes_bias(const char *name) {
    static const char *const maps[] = {".attn_q.", ".attn_k.", ".attn_v.", ".attn_qkv.", ".attn_output.", ".ffn_gate.",
                                       ".ffn_up.", ".ffn_down."};
    for (size_t i = 0; i < FT__COUNT(maps); i++)
        if (strstr(name, maps[i])) return true;
    return false;
}

/* The bias of a map, in the file or of zeros, takes what stands behind B. */
static ft_status ft__merge_bias(ft__merge *g, int map, ft_error *err) {
    const char *weight = ft__model_tensor_name(g->m, map);
    const size_t n = strlen(weight), n_stem = n - strlen("weight");
    const int n_out = (int)g->m->file.tensors[map < (int)g->m->file.n_tensors ? map : g->m->embedding.tensor].ne[1];
    if (n < 7 || strcmp(weight + n_stem, "weight") != 0) return FT_OK;
    const char *name = ft__arena_printf(&g->arena, "%.*sbias", (int)n_stem, weight);
    if (!name) return ft__fail_memory(err);
    const int tensor = ft__model_tensor(g->m, name);
    if (tensor >= 0) {
        g->w.items[tensor].changes = true;
        g->places[tensor].map = map;
        return FT_OK;
    }
    if (!ft__merge_takes_bias(name))
        return ft__fail(err, FT_ERR_UNSUPPORTED, weight, "the adapter has a bias there and the model has no %s, which "
                        "its architecture would not read", name);
    ft__gguf_tensor *zeros = (ft__gguf_tensor *)ft__arena_alloc(&g->arena, 1, sizeof *zeros);
    void *data = ft__arena_alloc(&g->arena, (size_t)n_out, sizeof(float));
    if (!zeros || !data) return ft__fail_memory(err);
    zeros->name = name;
    zeros->n_dims = 1;
    for (int i = 0; i < FT__MAX_DIMS; i++) zeros->ne[i] = 1;
    zeros->ne[0] = (uint64_t)n_out;
    zeros->type = FT__FORMAT_F32;
    zeros->size = (uint64_t)n_out * sizeof(float);
    zeros->data = (const uint8_t *)data;
    ft__rewrite_item *item = ft__merge_add(g, zeros, name);
    item->changes = true;
    g->places[item - g->w.items].map = map;
    return FT_OK;
}

/* ---- the plan */

/* *g needs ft__merge_end, whatever failed. */
static ft_status ft__merge_begin(ft__merge *g, const ft_model *m, const ft_adapter_use *uses, int n_uses,
                                 const char *type, const ft_convert_desc *desc, ft_error *err) {
    const size_t n = m->file.n_tensors;
    size_t n_bias = 0;
    memset(g, 0, sizeof *g);
    g->m = m;
    g->uses = uses;
    g->n_uses = n_uses;
    ft_allocator a = ft__allocator(&desc->allocator);
    ft__arena_init(&g->arena, &a);
    for (size_t i = 0; i <= n; i++) n_bias += ft__merge_has_bias(g, (int)i);
    ft_status status = ft__rewrite_begin(&g->w, &m->file, type, n_bias + 1, desc, err);
    if (!status) status = ft__adapter_check_uses(uses, n_uses, err);
    if (status) return status;
    g->w.user = g;
    g->w.change = ft__merge_apply;
    g->places = (ft__merge_place *)ft__arena_alloc(&g->arena, n + n_bias + 1, sizeof *g->places);
    if (!g->places) return ft__fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        g->places[i].tensor = (int)i;
        g->places[i].map = -1;
        g->w.items[i].changes = ft__merge_changes(g, (int)i);
    }
    ft__merge_head(g);
    for (size_t i = 0; i <= n && !status; i++)
        if (ft__merge_has_bias(g, (int)i)) status = ft__merge_bias(g, (int)i, err);
    return status;
}

static void ft__merge_end(ft__merge *g) {
    ft__rewrite_end(&g->w);
    ft__arena_free(&g->arena);
}

/* ---- the report */

/* The share of a change that is stored: 1 all of it, 0 none. */
static double ft__merge_kept(const ft__remade *made) { return made->change > 0 ? made->kept / made->change : 1; }

/* Encoding's error is as large as the change or larger; one that undoes the change leaves as much. */
static bool ft__merge_drowns(const ft__rewrite_item *item) {
    return item->made.change > 0 && item->made.error >= item->made.change;
}

static void ft__merge_text(const ft__rewrite *w, ft__buf *out) {
    int longest = 6;
    size_t n_changed = 0, n_drowned = 0;
    for (size_t i = 0; i < w->n_items; i++) {
        if (!w->items[i].changes) continue;
        if ((int)strlen(w->items[i].name) > longest) longest = (int)strlen(w->items[i].name);
        n_changed++;
    }
    ft__buf_printf(out, "%-*s type        change %%       error %%  kept\n", longest, "tensor");
    for (size_t i = 0; i < w->n_items; i++) {
        const ft__rewrite_item *item = &w->items[i];
        if (!item->changes) continue;
        ft__buf_printf(out, "%-*s %-7s", longest, item->name, ft__format_find(item->type)->name);
        ft__rewrite_percent(out, item->made.change, item->made.weight, 8);
        ft__rewrite_percent(out, item->made.error, item->made.result, 9);
        ft__buf_text(out, "  ");
        ft__buf_fixed(out, ft__merge_kept(&item->made), 2);
        ft__buf_text(out, ft__merge_drowns(item) ? "  the error is as large\n" : "\n");
        n_drowned += ft__merge_drowns(item);
    }
    ft__buf_printf(out, "%zu of %zu tensors changed", n_changed, w->n_items);
    if (n_drowned)
        ft__buf_printf(out, "; in %zu of them encoding's error is as large as the change or larger: judge this "
                            "file, not the adapter, or merge into a finer type", n_drowned);
    ft__buf_byte(out, '\n');
}

static void ft__merge_ratio(ft__json_writer *json, const char *key, double part, double whole) {
    ft__json_key(json, key);
    if (whole > 0) ft__json_number(json, ft__sqrt(part / whole));
    else ft__json_null(json); /* there was nothing before */
}

static void ft__merge_json(const ft__rewrite *w, ft__buf *out) {
    ft__json_writer json;
    ft__json_writer_init(&json, out, 2);
    ft__json_begin(&json, '{');
    ft__json_key(&json, "tensors");
    ft__json_number(&json, (double)w->n_items);
    ft__json_key(&json, "changed");
    ft__json_begin(&json, '[');
    for (size_t i = 0; i < w->n_items; i++) {
        const ft__rewrite_item *item = &w->items[i];
        if (!item->changes) continue;
        ft__json_begin(&json, '{');
        ft__json_key(&json, "name");
        ft__json_text(&json, item->name);
        ft__json_key(&json, "from");
        ft__json_text(&json, ft__format_find(item->from->type)->name);
        ft__json_key(&json, "type");
        ft__json_text(&json, ft__format_find(item->type)->name);
        ft__merge_ratio(&json, "change", item->made.change, item->made.weight);
        ft__merge_ratio(&json, "error", item->made.error, item->made.result);
        ft__json_key(&json, "kept");
        ft__json_number(&json, ft__merge_kept(&item->made));
        ft__json_key(&json, "error_as_large");
        ft__json_bool(&json, ft__merge_drowns(item));
        ft__json_end(&json, '}');
    }
    ft__json_end(&json, ']');
    ft__json_end(&json, '}');
    ft__buf_byte(out, '\n');
}

/* ---- into a file */

/* Whether the text is one number. */
static ft_status ft__merge_scale(const ft_allocator *a, const char *text, float *scale, bool *is) {
    ft__arena arena;
    ft__json *value;
    ft__arena_init(&arena, a);
    ft_status status = ft__json_parse(text, strlen(text), "scale", 1, &arena, &value, NULL);
    *is = status == FT_OK && value->type == FT__JSON_NUMBER;
    if (*is) *scale = (float)value->number;
    ft__arena_free(&arena);
    return status == FT_ERR_MEMORY ? status : FT_OK;
}

/* "refund.gguf:0.5" is the file refund.gguf at half strength; a name may hold other colons. */
FT__PRIV ft_status ft__adapter_spec(const char *spec, const ft_allocator *a, char **path, float *scale, ft_error *err) {
    const char *colon = strrchr(spec, ':');
    size_t n = colon ? (size_t)(colon - spec) : 0;
    bool is_scale = false;
    *scale = 1;
    if (colon && ft__merge_scale(a, colon + 1, scale, &is_scale)) return ft__fail_memory(err);
    if (!is_scale) n = strlen(spec);
    *path = (char *)ft__alloc_zero(a, n + 1, 1);
    if (!*path) return ft__fail_memory(err);
    memcpy(*path, spec, n);
    return FT_OK;
}

static ft_status ft__merge_load(const ft_model *m, const char *spec, const char *out, const ft_allocator *a,
                                ft_adapter_use *use, ft_error *err) {
    char *path;
    ft_error mine;
    if (!err) err = &mine;
    ft_status status = ft__adapter_spec(spec, a, &path, &use->scale, err);
    if (status) return status;
    if (!ft__finite((double)use->scale))
        status = ft__fail(err, FT_ERR_ARGUMENT, spec, "the scale must be a finite number");
    else if (ft__would_replace(out, path))
        status = ft__fail(err, FT_ERR_ARGUMENT, out, "the output would replace an adapter");
    else if (!(use->adapter = ft_adapter_load(m, path, err)))
        status = err->code;
    ft__free(a, path);
    return status;
}

ft_status ft_merge(const char *model, const char *const *adapters, int n_adapters, const char *out, const char *type,
                   const ft_convert_desc *desc, ft_write_fn write, void *user, ft_error *err) {
    ft_convert_desc defaults;
    ft_model_desc model_desc;
    ft_error mine;
    ft__merge g;
    memset(&defaults, 0, sizeof defaults);
    if (!desc) desc = &defaults;
    if (!err) err = &mine;
    if (!model || !out || !out[0] || n_adapters < 1 || !adapters)
        return ft__fail(err, FT_ERR_ARGUMENT, NULL, "ft_merge needs a model, an adapter or more, and an output");
    memset(&model_desc, 0, sizeof model_desc);
    model_desc.allocator = desc->allocator;
    model_desc.no_pack = true; /* rows are read where they are */
    ft_model *m = ft_model_load(model, &model_desc, err);
    if (!m) return err->code;
    ft_adapter_use *uses = (ft_adapter_use *)ft__alloc_zero(&m->allocator, (size_t)n_adapters, sizeof *uses);
    ft_status status = uses ? FT_OK : ft__fail_memory(err);
    for (int i = 0; i < n_adapters && !status; i++)
        status = ft__merge_load(m, adapters[i], out, &m->allocator, &uses[i], err);
    if (!status) {
        status = ft__merge_begin(&g, m, uses, n_adapters, type, desc, err);
        if (!status)
            status = ft__rewrite_file(&g.w, out, desc->json ? ft__merge_json : ft__merge_text, write, user, err);
        ft__merge_end(&g);
    }
    for (int i = 0; i < n_adapters && uses; i++) ft_adapter_free((ft_adapter *)(uintptr_t)uses[i].adapter);
    ft__free(&m->allocator, uses);
    ft_model_free(m);
    return status;
}

/* ---- in memory */

/* A file in memory that has the items' tensors as they are, and the keys of the model's. */
static ft_status ft__merge_copy(const ft__merge *g, ft__gguf *file, ft_error *err) {
    const ft__gguf *from = &g->m->file;
    ft__gguf_make_begin(file, from->path, &g->w.allocator);
    for (size_t i = 0; i < g->w.n_items; i++) {
        const ft__gguf_tensor *t = g->w.items[i].from;
        ft__gguf_make_tensor(file, g->w.items[i].name, t->n_dims, t->ne, t->type, t->data);
    }
    file->kv = from->kv;
    file->n_kv = from->n_kv;
    return ft__gguf_make_end(file, err);
}

ft_model *ft_model_merge(const ft_model *base, const ft_adapter_use *uses, int n_uses, const ft_model_desc *desc,
                         ft_error *err) {
    ft_model_desc defaults;
    ft_convert_desc convert;
    ft_error mine;
    ft__merge g;
    ft__gguf file;
    memset(&defaults, 0, sizeof defaults);
    memset(&convert, 0, sizeof convert);
    if (!err) err = &mine;
    ft_model_desc own = desc ? *desc : defaults;
    for (int i = 0; i < n_uses; i++)
        if (!uses[i].adapter || uses[i].adapter->model != base || !ft__finite((double)uses[i].scale)) {
            ft__fail(err, FT_ERR_MISMATCH, NULL, "adapter %d was loaded for another model, or its scale is not finite",
                     i);
            return NULL;
        }
    convert.allocator = own.allocator;
    convert.threads = own.threads;
    ft_status status = ft__merge_begin(&g, base, uses, n_uses, own.quantize, &convert, err);
    own.quantize = NULL; /* that is done */
    if (!status) {
        status = ft__merge_copy(&g, &file, err);
        if (!status) status = ft__rewrite_memory(&g.w, &file, err);
        if (status) ft__gguf_close(&file);
    }
    ft__merge_end(&g);
    return status ? NULL : ft__model_make(&file, &own, err);
}
