/* A whole model made anew, tensor by tensor: quantised, or with adapters merged.  All keys of the old one are
   carried over, but for those that speak of the container itself.  The file appears under its name only once it is
   whole. */
#include "hf.h"
#include "model.h"

/* The item being made, and where its bytes go. */
typedef struct ft__rewrite_sink {
    const ft__rewrite *w;
    const ft__rewrite_item *item;
    ft__gguf_writer *writer; /* or, if NULL, */
    uint8_t *memory;
} ft__rewrite_sink;

static ft_status ft__rewrite_change(void *user, uint64_t first_row, uint64_t n_rows, const float *base, float *w,
                                    ft_error *err) {
    const ft__rewrite_sink *sink = (const ft__rewrite_sink *)user;
    return sink->w->change(sink->w->user, sink->item, first_row, n_rows, base, w, err);
}

static ft_status ft__rewrite_put(void *user, const uint8_t *bytes, size_t n, ft_error *err) {
    ft__rewrite_sink *sink = (ft__rewrite_sink *)user;
    if (sink->writer) return ft__gguf_write_part(sink->writer, bytes, n, err);
    memcpy(sink->memory, bytes, n);
    sink->memory += n;
    return FT_OK;
}

static ft_status ft__rewrite_item_make(ft__rewrite *w, ft__rewrite_item *item, ft__gguf_writer *writer, uint8_t *memory,
                                       ft_error *err) {
    char where[384];
    ft__rewrite_sink sink = {w, item, writer, memory};
    ft__remake_desc desc;
    snprintf(where, sizeof where, "%.250s: %.120s", w->from->path, item->name);
    memset(&desc, 0, sizeof desc);
    desc.allocator = w->allocator;
    desc.pool = w->pool;
    desc.from = item->from;
    desc.type = item->type;
    desc.where = where;
    desc.user = &sink;
    desc.change = item->changes ? ft__rewrite_change : NULL;
    desc.put = ft__rewrite_put;
    return ft__remake_tensor(&desc, &item->made, err);
}

static ft_status ft__rewrite_types(ft__rewrite *w, ft_error *err) {
    const size_t n = w->from->n_tensors;
    uint32_t *types = (uint32_t *)ft__alloc_zero(&w->allocator, n, sizeof *types);
    ft_status status = types ? ft__mix_types(w->mix, w->from, &w->allocator, types, err) : ft__fail_memory(err);
    for (size_t i = 0; i < n && !status; i++) w->items[i].type = types[i];
    ft__free(&w->allocator, types);
    return status;
}

FT__PRIV ft_status ft__rewrite_begin(ft__rewrite *w, const ft__gguf *from, const char *type, size_t n_new,
                                     const ft_convert_desc *desc, ft_error *err) {
    ft_error mine;
    memset(w, 0, sizeof *w);
    w->allocator = ft__allocator(&desc->allocator);
    w->desc = desc;
    w->from = from;
    w->items = (ft__rewrite_item *)ft__alloc_zero(&w->allocator, from->n_tensors + n_new, sizeof *w->items);
    if (!w->items) return ft__fail_memory(err);
    for (w->n_items = 0; w->n_items < from->n_tensors; w->n_items++) {
        ft__rewrite_item *item = &w->items[w->n_items];
        item->from = &from->tensors[w->n_items];
        item->name = item->from->name;
        item->type = item->from->type;
    }
    ft_status status = type ? ft__mix_find(type, &w->mix, err) : FT_OK;
    if (!status && type) status = ft__rewrite_types(w, err);
    if (status) return status;
    w->pool = ft__pool_create(desc->threads ? desc->threads : ft__cpu_count(), &w->allocator, err ? err : (err = &mine));
    return w->pool ? FT_OK : err->code;
}

FT__PRIV void ft__rewrite_end(ft__rewrite *w) {
    ft__pool_free(w->pool);
    ft__free(&w->allocator, w->items);
}

/* ---- into a file */

/* What is known of the container stays behind, and what the new one says anew. */
static bool ft__rewrite_drops(const ft__rewrite *w, const ft__gguf_kv *kv) {
    static const char *const keys[] = {"general.alignment", "split.no", "split.count", "split.tensors.count",
                                       "general.file_type", "general.quantization_version"};
    const size_t n = w->mix ? FT__COUNT(keys) : FT__COUNT(keys) - 2;
    for (size_t i = 0; i < n; i++)
        if (ft__text_equal(kv->key.data, kv->key.len, keys[i], strlen(keys[i]))) return true;
    return false;
}

static ft_status ft__rewrite_declare(const ft__rewrite *w, ft__gguf_writer *writer, ft_error *err) {
    ft_status status = FT_OK;
    for (size_t i = 0; i < w->from->n_kv; i++)
        if (!ft__rewrite_drops(w, &w->from->kv[i])) ft__gguf_write_kv(writer, &w->from->kv[i]);
    if (w->mix) {
        ft__gguf_write_u32(writer, "general.file_type", w->mix->file_type);
        ft__gguf_write_u32(writer, "general.quantization_version", 2);
    }
    for (size_t i = 0; i < w->n_items && !status; i++) {
        const ft__gguf_tensor *t = w->items[i].from;
        status = ft__gguf_write_tensor(writer, w->items[i].name, t->n_dims, t->ne, w->items[i].type, err);
    }
    return status;
}

static ft_status ft__rewrite_data(ft__rewrite *w, ft__gguf_writer *writer, ft_error *err) {
    const ft_convert_desc *desc = w->desc;
    uint64_t done = 0, total = 0;
    ft_status status = FT_OK;
    for (size_t i = 0; i < w->n_items; i++) total += w->items[i].from->size;
    for (size_t i = 0; i < w->n_items && !status; i++) {
        status = ft__rewrite_item_make(w, &w->items[i], writer, NULL, err);
        done += w->items[i].from->size;
        if (!status && desc->progress && desc->progress(desc->user, done, total) != 0)
            status = ft__fail(err, FT_ERR_CANCELLED, writer->file.path, "cancelled");
    }
    return status;
}

/* Whoever names an input as the output would lose it. */
static ft_status ft__rewrite_check(const ft__rewrite *w, const char *path, ft_error *err) {
    ft__arena arena;
    int count;
    bool same = ft__would_replace(path, w->from->path);
    ft__arena_init(&arena, &w->allocator);
    if (ft__split_first(w->from->path, &count))
        for (int i = 2; i <= count && !same && !arena.failed; i++) {
            const char *part = ft__split_path(&arena, w->from->path, i, count);
            same = part && ft__would_replace(path, part);
        }
    ft_status status = arena.failed ? ft__fail_memory(err) : FT_OK;
    ft__arena_free(&arena);
    return status || !same ? status : ft__fail(err, FT_ERR_ARGUMENT, path, "the output would replace the input");
}

FT__PRIV ft_status ft__rewrite_file(ft__rewrite *w, const char *path, void (*report)(const ft__rewrite *w, ft__buf *out),
                                    ft_write_fn write, void *user, ft_error *err) {
    ft__gguf_writer writer;
    ft__buf text;
    ft_status status = ft__rewrite_check(w, path, err);
    if (!status) status = ft__gguf_write_begin(&writer, path, &w->allocator, err);
    if (status) return status;
    ft__buf_init(&text, &w->allocator);
    status = ft__rewrite_declare(w, &writer, err);
    if (!status) status = ft__rewrite_data(w, &writer, err);
    if (!status && write) report(w, &text);
    if (!status && text.failed) status = ft__fail_memory(err);
    if (!status) status = ft__gguf_write_end(&writer, err);
    else ft__gguf_write_abort(&writer);
    if (!status && write) status = ft__buf_write(&text, write, user, path, err);
    ft__buf_free(&text);
    return status;
}

FT__PRIV void ft__rewrite_percent(ft__buf *out, double part, double whole, int width) {
    double percent = whole > 0 ? 100 * ft__sqrt(part / whole) : 0;
    if (!(percent < 1e9)) percent = 1e9;
    const uint64_t n = (uint64_t)(percent * 1e4 + 0.5);
    ft__buf_printf(out, "%*llu.%04u", width, (unsigned long long)(n / 10000), (unsigned)(n % 10000));
}

/* ---- in memory */

FT__PRIV ft_status ft__rewrite_memory(ft__rewrite *w, ft__gguf *g, ft_error *err) {
    ft_status status = FT_OK;
    for (size_t i = 0; i < w->n_items && !status; i++) {
        ft__rewrite_item *item = &w->items[i];
        const ft__gguf_tensor *t = item->from;
        if (item->type == t->type && !item->changes) continue;
        const ft__format *format = ft__format_find(item->type);
        size_t blocks = (size_t)(t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3]) / format->n_elements, size;
        uint8_t *bytes = ft__mul_size(blocks, format->n_bytes, &size)
                             ? (uint8_t *)ft__arena_alloc(&g->arena, size, 1) : NULL;
        if (!bytes) return ft__fail_memory(err);
        status = ft__rewrite_item_make(w, item, NULL, bytes, err);
        g->tensors[i].type = item->type;
        g->tensors[i].size = size;
        g->tensors[i].data = bytes;
    }
    return status;
}
