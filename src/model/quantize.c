/* Quantising a model: every tensor becomes what the mix wants (mix.c).  Weights that were quantised before are
   decoded first, and the report says so: what the first rounding lost does not come back. */
#include "hf.h"
#include "model.h"

/* What became of the tensors of one type. */
typedef struct ft__quantize_sum {
    uint64_t n, weights, bytes;
    ft__remade made;
} ft__quantize_sum;

static uint64_t ft__quantize_weights(const ft__rewrite_item *item) {
    const uint64_t *ne = item->from->ne;
    return ne[0] * ne[1] * ne[2] * ne[3];
}

static void ft__quantize_add(ft__quantize_sum *sum, const ft__rewrite_item *item) {
    const ft__format *format = ft__format_find(item->type);
    sum->n++;
    sum->weights += ft__quantize_weights(item);
    sum->bytes += ft__quantize_weights(item) / format->n_elements * format->n_bytes;
    sum->made.result += item->made.result;
    sum->made.error += item->made.error;
}

static bool ft__quantize_twice(const ft__rewrite_item *item) {
    return item->type != item->from->type && ft__format_find(item->from->type)->n_elements > 1;
}

static void ft__quantize_line(ft__buf *out, const char *name, const ft__quantize_sum *sum) {
    ft__buf_printf(out, "%-8s %7llu %14llu ", name, (unsigned long long)sum->n, (unsigned long long)sum->bytes);
    const uint64_t bits = (uint64_t)(8e3 * (double)sum->bytes / (double)sum->weights + 0.5);
    ft__buf_printf(out, "%8llu.%03u", (unsigned long long)(bits / 1000), (unsigned)(bits % 1000));
    ft__rewrite_percent(out, sum->made.error, sum->made.result, 8);
    ft__buf_byte(out, '\n');
}

static void ft__quantize_text(const ft__rewrite *w, ft__buf *out) {
    ft__quantize_sum all, types[FT__FORMATS];
    uint64_t n_twice = 0;
    memset(&all, 0, sizeof all);
    memset(types, 0, sizeof types);
    for (size_t i = 0; i < w->n_items; i++) {
        ft__quantize_add(&types[w->items[i].type], &w->items[i]);
        ft__quantize_add(&all, &w->items[i]);
        n_twice += ft__quantize_twice(&w->items[i]);
    }
    ft__buf_text(out, "type     tensors          bytes  bits/weight      error %\n");
    for (uint32_t id = 0; id < FT__FORMATS; id++)
        if (types[id].n) ft__quantize_line(out, ft__format_find(id)->name, &types[id]);
    ft__quantize_line(out, "all", &all);
    if (n_twice)
        ft__buf_printf(out, "%llu tensors were quantised before: what that lost stays lost, and the errors here come "
                            "on top\n", (unsigned long long)n_twice);
}

static void ft__quantize_tensor_json(ft__json_writer *json, const ft__rewrite_item *item) {
    ft__json_begin(json, '{');
    ft__json_key(json, "name");
    ft__json_text(json, item->name);
    ft__json_key(json, "from");
    ft__json_text(json, ft__format_find(item->from->type)->name);
    ft__json_key(json, "type");
    ft__json_text(json, ft__format_find(item->type)->name);
    ft__json_key(json, "error");
    ft__json_number(json, item->made.result > 0 ? ft__sqrt(item->made.error / item->made.result) : 0);
    ft__json_end(json, '}');
}

static void ft__quantize_json(const ft__rewrite *w, ft__buf *out) {
    ft__json_writer json;
    ft__quantize_sum all;
    uint64_t n_twice = 0;
    memset(&all, 0, sizeof all);
    ft__json_writer_init(&json, out, 2);
    ft__json_begin(&json, '{');
    ft__json_key(&json, "type");
    ft__json_text(&json, w->mix->name);
    ft__json_key(&json, "tensors");
    ft__json_begin(&json, '[');
    for (size_t i = 0; i < w->n_items; i++) {
        ft__quantize_tensor_json(&json, &w->items[i]);
        ft__quantize_add(&all, &w->items[i]);
        n_twice += ft__quantize_twice(&w->items[i]);
    }
    ft__json_end(&json, ']');
    ft__json_key(&json, "quantised before");
    ft__json_number(&json, (double)n_twice);
    ft__json_key(&json, "parameters");
    ft__json_number(&json, (double)all.weights);
    ft__json_key(&json, "bytes");
    ft__json_number(&json, (double)all.bytes);
    ft__json_end(&json, '}');
    ft__buf_byte(out, '\n');
}

/* An adapter is no model, and neither is a vocabulary. */
static ft_status ft__quantize_check(const ft__gguf *g, ft_error *err) {
    ft__gguf_str type = {"", 0};
    ft_status status = ft__gguf_string(g, "general.type", &type, err);
    if (status) return status;
    if (type.len && !ft__text_equal(type.data, type.len, "model", 5))
        return ft__fail(err, FT_ERR_ARGUMENT, g->path, "general.type: found \"%.*s\", expected a model",
                        (int)(type.len > 64 ? 64 : type.len), type.data);
    return g->n_tensors ? FT_OK : ft__fail(err, FT_ERR_ARGUMENT, g->path, "the file holds no weights");
}

ft_status ft_quantize(const char *model, const char *out, const char *type, const ft_convert_desc *desc,
                      ft_write_fn write, void *user, ft_error *err) {
    ft_convert_desc defaults;
    ft__gguf g;
    ft__rewrite w;
    memset(&defaults, 0, sizeof defaults);
    if (!desc) desc = &defaults;
    if (!model || !out || !out[0] || !type)
        return ft__fail(err, FT_ERR_ARGUMENT, NULL, "ft_quantize needs a model, an output and a type");
    ft_allocator a = ft__allocator(&desc->allocator);
    ft_status status = ft__model_file_open(&g, model, &a, err);
    if (status) return status;
    status = ft__quantize_check(&g, err);
    if (!status) {
        status = ft__rewrite_begin(&w, &g, type, 0, desc, err);
        if (!status)
            status = ft__rewrite_file(&w, out, desc->json ? ft__quantize_json : ft__quantize_text, write, user, err);
        ft__rewrite_end(&w);
    }
    ft__gguf_close(&g);
    return status;
}

FT__PRIV ft_status ft__quantize_memory(ft__gguf *g, const char *type, const ft_allocator *a, int threads,
                                       ft_error *err) {
    ft_convert_desc desc;
    ft__rewrite w;
    memset(&desc, 0, sizeof desc);
    desc.allocator = *a;
    desc.threads = threads;
    ft_status status = ft__rewrite_begin(&w, g, type, 0, &desc, err);
    if (!status) status = ft__rewrite_memory(&w, g, err);
    ft__rewrite_end(&w);
    return status;
}
