/* What a file is: one list of facts, as a page of text or as one JSON object. */
#include "../model/hf.h"
#include "run.h"

typedef struct ft__info {
    const char *path;
    ft__gguf file;
    ft__buf out;
    ft__json_writer json;
    bool as_json;
} ft__info;

/* ---- one fact */

static void ft__info_label(ft__info *i, const char *key) {
    if (i->as_json) ft__json_key(&i->json, key);
    else ft__buf_printf(&i->out, "%-18s", key);
}

static void ft__info_text(ft__info *i, const char *key, const char *text, size_t n) {
    ft__info_label(i, key);
    if (i->as_json) {
        ft__json_string(&i->json, text, n);
        return;
    }
    for (size_t k = 0; k < n; k++) /* a file's text may not steer the terminal */
        ft__buf_byte(&i->out, (unsigned char)text[k] < 32 || text[k] == 127 ? '?' : text[k]);
    ft__buf_byte(&i->out, '\n');
}

static void ft__info_number(ft__info *i, const char *key, uint64_t n) {
    ft__info_label(i, key);
    if (i->as_json) ft__json_number(&i->json, (double)n);
    else ft__buf_printf(&i->out, "%llu\n", (unsigned long long)n);
}

/* ---- facts from metadata: a key as it is, or one of the architecture's */

static void ft__info_key_text(ft__info *i, const char *label, const char *key) {
    ft__gguf_str text = {NULL, 0};
    if (ft__gguf_string(&i->file, key, &text, NULL) == FT_OK && text.data)
        ft__info_text(i, label, text.data, text.len);
}

static void ft__info_key_number(ft__info *i, const char *label, const char *key) {
    ft__gguf_str arch = {"", 0};
    char full[192];
    int64_t n = -1;
    ft__gguf_string(&i->file, "general.architecture", &arch, NULL);
    if (arch.len > 64) return;
    snprintf(full, sizeof full, "%.*s.%s", (int)arch.len, arch.data, key);
    if (ft__gguf_int(&i->file, full, 0, INT64_MAX, &n, NULL) == FT_OK && n >= 0)
        ft__info_number(i, label, (uint64_t)n);
}

static void ft__info_model(ft__info *i) {
    static const char *const keys[][2] = {
        {"layers", "block_count"}, {"embedding", "embedding_length"}, {"feed forward", "feed_forward_length"},
        {"heads", "attention.head_count"}, {"KV heads", "attention.head_count_kv"},
        {"experts", "expert_count"}, {"experts used", "expert_used_count"}, {"context", "context_length"}};
    for (size_t k = 0; k < FT__COUNT(keys); k++) ft__info_key_number(i, keys[k][0], keys[k][1]);
    ft__info_key_text(i, "tokenizer", "tokenizer.ggml.model");
    ft__info_key_text(i, "pre-tokenizer", "tokenizer.ggml.pre");
    const ft__gguf_kv *tokens = ft__gguf_key(&i->file, "tokenizer.ggml.tokens");
    if (tokens) ft__info_number(i, "vocabulary", tokens->count);
    const char *has = ft__gguf_key(&i->file, "tokenizer.chat_template") ? "yes" : "none";
    ft__info_text(i, "chat template", has, strlen(has));
}

static void ft__info_adapter(ft__info *i) {
    double alpha = 0;
    uint64_t lowest = 0, highest = 0;
    ft__gguf_float(&i->file, "adapter.lora.alpha", &alpha, NULL);
    for (size_t t = 0; t < i->file.n_tensors; t++) {
        const char *name = i->file.tensors[t].name;
        size_t n = strlen(name);
        uint64_t rank = i->file.tensors[t].ne[1];
        if (n < 7 || strcmp(name + n - 7, ".lora_a") != 0) continue;
        if (!lowest || rank < lowest) lowest = rank;
        if (rank > highest) highest = rank;
    }
    ft__info_key_text(i, "adapter", "adapter.type");
    ft__info_label(i, "alpha");
    if (i->as_json && ft__finite(alpha)) ft__json_number(&i->json, alpha);
    else if (i->as_json) ft__json_null(&i->json);
    else ft__buf_fixed(&i->out, alpha, 3), ft__buf_byte(&i->out, '\n');
    ft__info_number(i, "rank", highest);
    if (lowest != highest) ft__info_number(i, "lowest rank", lowest);
}

/* ---- tensors */

static void ft__info_types(ft__info *i) {
    uint64_t n_params = 0, params[FT__FORMATS] = {0}, bytes[FT__FORMATS] = {0};
    for (size_t t = 0; t < i->file.n_tensors; t++) {
        const ft__gguf_tensor *tensor = &i->file.tensors[t];
        uint64_t n = tensor->ne[0] * tensor->ne[1] * tensor->ne[2] * tensor->ne[3];
        n_params += n;
        params[tensor->type] += n;
        bytes[tensor->type] += tensor->size;
    }
    ft__info_number(i, "parameters", n_params);
    ft__info_number(i, "tensors", i->file.n_tensors);
    ft__info_label(i, "types");
    if (i->as_json) ft__json_begin(&i->json, '{');
    for (uint32_t id = 0, n = 0; id < FT__FORMATS; id++) {
        if (!params[id]) continue;
        const char *name = ft__format_find(id)->name;
        if (i->as_json) {
            ft__json_key(&i->json, name);
            ft__json_number(&i->json, (double)bytes[id]);
        } else {
            ft__buf_printf(&i->out, "%s%s ", n++ ? ", " : "", name);
            ft__buf_fixed(&i->out, 100.0 * (double)params[id] / (double)n_params, 1);
            ft__buf_text(&i->out, " %");
        }
    }
    if (i->as_json) ft__json_end(&i->json, '}');
    else ft__buf_byte(&i->out, '\n');
}

static void ft__info_tensors_json(ft__info *i) {
    ft__json_key(&i->json, "tensor list");
    ft__json_begin(&i->json, '[');
    for (size_t t = 0; t < i->file.n_tensors; t++) {
        const ft__gguf_tensor *tensor = &i->file.tensors[t];
        ft__json_begin(&i->json, '{');
        ft__json_key(&i->json, "name");
        ft__json_text(&i->json, tensor->name);
        ft__json_key(&i->json, "type");
        ft__json_text(&i->json, ft__format_find(tensor->type)->name);
        ft__json_key(&i->json, "shape");
        ft__json_begin(&i->json, '[');
        for (int d = 0; d < tensor->n_dims; d++) ft__json_number(&i->json, (double)tensor->ne[d]);
        ft__json_end(&i->json, ']');
        ft__json_end(&i->json, '}');
    }
    ft__json_end(&i->json, ']');
}

/* Whether this version can run it is found out by trying. */
static void ft__info_runs(ft__info *i, const ft_allocator *a) {
    ft_error why;
    ft_model_desc desc = {*a, i->file.n_tensors == 0, true, 0, NULL};
    char text[sizeof why.message + 8] = "yes";
    ft_model *m = ft_model_load(i->path, &desc, &why);
    if (!m) snprintf(text, sizeof text, "no: %s", why.message);
    else if (desc.vocab_only) snprintf(text, sizeof text, "no weights: a vocabulary alone");
    ft_model_free(m);
    ft__info_text(i, "runs", text, strlen(text));
}

static void ft__info_all(ft__info *i, const ft_allocator *a) {
    ft__gguf_str type = {"", 0};
    char digest[65], version[16];
    ft__gguf_string(&i->file, "general.type", &type, NULL);
    bool adapter = ft__text_equal(type.data, type.len, "adapter", 7);
    const char *kind = adapter ? "adapter" : i->file.n_tensors ? "model" : "vocabulary";
    if (ft__is_folder(i->path)) snprintf(version, sizeof version, "safetensors");
    else snprintf(version, sizeof version, "GGUF v%u", (unsigned)i->file.version);
    ft__info_text(i, "kind", kind, strlen(kind));
    ft__info_text(i, "format", version, strlen(version));
    ft__info_key_text(i, "name", "general.name");
    ft__info_key_text(i, "architecture", "general.architecture");
    if (adapter) ft__info_adapter(i);
    else ft__info_model(i);
    ft__info_types(i);
    size_t bytes = i->file.file.size;
    for (size_t k = 0; k < i->file.n_more; k++) bytes += i->file.more[k].size;
    ft__info_number(i, "bytes", bytes);
    if (ft_model_digest(i->path, a, digest, NULL) == FT_OK) ft__info_text(i, "sha256", digest, 64);
    if (!adapter) ft__info_runs(i, a);
}

ft_status ft_info(const char *path, bool json, ft_write_fn write, void *user, ft_error *err) {
    ft_allocator a = ft__allocator(NULL);
    ft__info i;
    memset(&i, 0, sizeof i);
    ft_status status = ft__model_file_open(&i.file, path, &a, err);
    if (status) return status;
    i.path = path;
    i.as_json = json;
    ft__buf_init(&i.out, &a);
    ft__json_writer_init(&i.json, &i.out, 2);
    if (json) ft__json_begin(&i.json, '{');
    ft__info_all(&i, &a);
    if (json) {
        ft__info_tensors_json(&i);
        ft__json_end(&i.json, '}');
        ft__buf_byte(&i.out, '\n');
    }
    status = ft__buf_write(&i.out, write, user, path, err);
    ft__buf_free(&i.out);
    ft__gguf_close(&i.file);
    return status;
}

/* Row by row, so that a large tensor needs no memory of its size. */
static ft_status ft__info_decode(const ft__gguf_tensor *t, const ft__format *format, const ft_allocator *a,
                                 ft_write_fn write, void *user, ft_error *err) {
    const size_t n = (size_t)t->ne[0], row_bytes = n / format->n_elements * format->n_bytes;
    float *row = (float *)ft__alloc_zero(a, n, sizeof *row);
    ft_status status = row ? FT_OK : ft__fail_memory(err);
    for (uint64_t r = 0; r < t->ne[1] * t->ne[2] * t->ne[3] && !status; r++) {
        format->decode(t->data + (size_t)r * row_bytes, n, row);
        if (write(user, (const char *)row, n * sizeof *row) != 0)
            status = ft__fail(err, FT_ERR_CANCELLED, t->name, "the output was refused");
    }
    ft__free(a, row);
    return status;
}

ft_status ft_info_tensor(const char *path, const char *tensor, ft_write_fn write, void *user,
                         ft_error *err) {
    ft_allocator a = ft__allocator(NULL);
    ft__gguf g;
    ft_status status = ft__model_file_open(&g, path, &a, err);
    if (status) return status;
    const ft__gguf_tensor *t = ft__gguf_find(&g, tensor);
    const ft__format *format = t ? ft__format_find(t->type) : NULL;
    if (!t) status = ft__fail(err, FT_ERR_NOT_FOUND, path, "there is no tensor \"%s\"", tensor);
    else if (!format->decode)
        status = ft__fail(err, FT_ERR_UNSUPPORTED, path, "%s: type %s is not in this version", tensor, format->name);
    else status = ft__info_decode(t, format, &a, write, user, err);
    ft__gguf_close(&g);
    return status;
}
