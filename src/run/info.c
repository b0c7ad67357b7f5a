/* What a file is, in a page or as one JSON object, and what ft will do with it.

   Facts come from three places.  What the keys say stands in every file.  Whether it runs, what the cache takes
   and how weights are computed is found out by loading it (mapped, not packed), so the page says what loading
   says.  Of the chat template only what rendering shows is told: whether a system text and tools come through.

   A file may be damaged or made to harm: texts are cut, and what could steer a terminal is shown as '?'. */
#include "../model/hf.h"
#include "info.h"

static const struct { const char *name, *key; } ft__info_sizes[FT__INFO_SIZES] = {
    {"layers", "block_count"}, {"embedding", "embedding_length"}, {"feed_forward", "feed_forward_length"},
    {"heads", "attention.head_count"}, {"kv_heads", "attention.head_count_kv"},
    {"head_size", "attention.key_length"}, {"experts", "expert_count"}, {"experts_used", "expert_used_count"},
    {"expert_feed_forward", "expert_feed_forward_length"}, {"context", "context_length"},
    {"window", "attention.sliding_window"}, {"rope_dimensions", "rope.dimension_count"}};

FT__PRIV const char *ft__info_size_name(int size) { return ft__info_sizes[size].name; }

/* ---- keys and tensors */

FT__PRIV ft__gguf_str ft__info_key(const ft__gguf *g, const char *key) {
    ft__gguf_str text = {"", 0};
    if (ft__gguf_string(g, key, &text, NULL)) text.len = 0;
    return text;
}

/* The name of a key of the architecture, or NULL. */
FT__PRIV const char *ft__info_arch_key(const ft__info *i, const char *key, char full[192]) {
    const ft__gguf_str arch = ft__info_key(&i->file, "general.architecture");
    if (arch.len > 64) return NULL;
    snprintf(full, 192, "%.*s.%s", (int)arch.len, arch.data, key);
    return full;
}

static void ft__info_read_size(ft__info *i, const char *key, ft__info_range *size) {
    char full[192];
    size->lo = size->hi = -1;
    if (!ft__info_arch_key(i, key, full)) return;
    const ft__gguf_kv *kv = ft__gguf_key(&i->file, full);
    const bool array = kv && kv->type == FT__GGUF_ARRAY;
    if (!array) {
        if (ft__gguf_int(&i->file, full, 0, INT64_MAX, &size->lo, NULL)) size->lo = -1;
        size->hi = size->lo;
        return;
    }
    if (kv->element == FT__GGUF_STRING || kv->element == FT__GGUF_ARRAY || kv->element == FT__GGUF_F32 ||
        kv->element == FT__GGUF_F64)
        return;
    for (uint64_t k = 0; k < kv->count; k++) {
        const int64_t n = ft__gguf_int_at(kv, k);
        if (k == 0 || n < size->lo) size->lo = n;
        if (k == 0 || n > size->hi) size->hi = n;
    }
}

static void ft__info_count(ft__info *i, const char *name, const ft__format *format, uint64_t n_params,
                           uint64_t n_bytes) {
    int k = 0;
    while (k < i->n_types && strcmp(i->types[k].name, name) != 0) k++;
    if (k == FT__INFO_TYPES) return;
    ft__info_type *type = &i->types[k];
    if (k == i->n_types) i->n_types++, type->name = name, type->format = format;
    type->n_tensors++;
    type->n_params += n_params;
    type->n_bytes += n_bytes;
    i->n_tensors++;
    i->n_params += n_params;
    i->n_tensor_bytes += n_bytes;
}

static int ft__info_by_bytes(const void *a, const void *b) {
    const ft__info_type *x = (const ft__info_type *)a, *y = (const ft__info_type *)b;
    if (x->n_bytes != y->n_bytes) return x->n_bytes < y->n_bytes ? 1 : -1;
    return strcmp(x->name, y->name);
}

/* Of the experts of a layer a token sees as many as are used. */
static void ft__info_tensors(ft__info *i) {
    const int64_t n_experts = i->size[FT__INFO_EXPERTS].lo, n_used = i->size[FT__INFO_USED].lo;
    for (size_t t = 0; t < i->file.n_tensors; t++) {
        const ft__gguf_tensor *tensor = &i->file.tensors[t];
        const ft__format *format = ft__format_find(tensor->type);
        const uint64_t n = tensor->ne[0] * tensor->ne[1] * tensor->ne[2] * tensor->ne[3];
        const bool experts = strstr(tensor->name, "_exps.") && n_used > 0 && n_used < n_experts;
        ft__info_count(i, format->name, format, n, tensor->size);
        i->n_active += experts ? n / (uint64_t)n_experts * (uint64_t)n_used : n;
    }
}

/* ---- what loading says */

static ft_status ft__info_memory(ft__info *i) {
    ft_model *m = i->model;
    i->window_layers = 0;
    for (int k = 0; k < m->info.n_layers; k++) i->window_layers += m->layers[k].attention.window > 0;
    ft__model_packed_bytes(m, &i->packed, &i->replaced);
    for (int type = FT_KV_F16; type <= FT_KV_Q8_0; type++) {
        ft__scratch scratch;
        ft__arena arena;
        memset(&scratch, 0, sizeof scratch);
        ft__arena_init(&arena, &i->allocator);
        bool ok = ft__scratch_init(&scratch, m, 1, 1, m->info.n_ctx, (ft_kv_type)type, &arena);
        i->kv_page[type] = scratch.page_bytes;
        i->state = scratch.n_state * sizeof(float);
        ft__arena_free(&arena);
        if (!ok) return FT_ERR_MEMORY;
    }
    return FT_OK;
}

/* Whether this version can run it is found out by trying. */
static ft_status ft__info_load(ft__info *i) {
    ft_model_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.allocator = i->allocator;
    desc.vocab_only = i->n_tensors == 0;
    desc.no_pack = true;
    if (i->why.code) return FT_OK; /* a folder that cannot be read as a model */
    i->vocab = ft_model_load(i->path, &desc, &i->why);
    if (i->vocab) i->why.code = FT_OK;
    if (i->vocab && !desc.vocab_only) i->model = i->vocab;
    if (i->why.code == FT_ERR_MEMORY) return FT_ERR_MEMORY;
    desc.vocab_only = true;
    if (!i->vocab) i->vocab = ft_model_load(i->path, &desc, NULL);
    return i->model ? ft__info_memory(i) : FT_OK;
}

static int ft__info_collect(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n);
    return 0;
}

static void ft__info_quoted(const ft__info *i, ft__buf *out, int id) {
    size_t n = 0;
    ft__json_writer w;
    const char *text = i->vocab && id >= 0 ? ft_token_spelling(i->vocab, id, &n) : NULL;
    ft__json_writer_init(&w, out, 0);
    ft__json_string(&w, text ? text : "", n);
}

/* Renders a question with a message before it and a member beside it, both as JSON.  *used: does their mark
   come out? */
static ft_status ft__info_render(const ft__info *i, const ft_template *t, const char *message, const char *member,
                                 bool *used, ft_error *err) {
    ft__buf in, out;
    ft__buf_init(&in, &i->allocator);
    ft__buf_init(&out, &i->allocator);
    ft__buf_printf(&in, "{\"messages\": [%s{\"role\": \"user\", \"content\": \"hello\"}], %s"
                   "\"add_generation_prompt\": true, \"bos_token\": ", message, member);
    ft__info_quoted(i, &in, i->vocab ? ft_model_get_info(i->vocab).bos : -1);
    ft__buf_text(&in, ", \"eos_token\": ");
    ft__info_quoted(i, &in, i->vocab ? ft_model_get_info(i->vocab).eos : -1);
    ft__buf_byte(&in, '}');
    ft_status status = in.failed ? ft__fail_memory(err)
                                 : ft_template_render(t, in.data, in.len, "2026-01-01T00:00:00",
                                                      ft__info_collect, &out, err);
    if (!status && out.failed) status = ft__fail_memory(err);
    *used = !status && out.len && strstr(out.data, "ftprobe");
    ft__buf_free(&in);
    ft__buf_free(&out);
    return status;
}

static const char *ft__info_probe(const ft__info *i, const ft_template *t, const char *message,
                                  const char *member) {
    bool used;
    ft_error err;
    ft_status status = ft__info_render(i, t, message, member, &used, &err);
    return status == FT_ERR_MEMORY ? NULL : status ? "refused" : used ? "used" : "left out";
}

static ft_status ft__info_read_template(ft__info *i) {
    ft__info_template *c = &i->chat;
    bool used;
    const ft__gguf_str text = ft__info_key(&i->file, "tokenizer.chat_template");
    if (!text.len) return FT_OK;
    c->source = text.data;
    c->n = text.len;
    c->first_line = text.data;
    while (c->n_first_line < text.len && text.data[c->n_first_line] != '\n') c->n_first_line++;
    ft__sha256_hex(text.data, text.len, c->sha256);
    ft_template *t = ft_template_parse(text.data, text.len, NULL, &i->allocator, &c->error);
    if (t && !ft__info_render(i, t, "", "", &used, &c->error)) {
        c->system = ft__info_probe(i, t, "{\"role\": \"system\", \"content\": \"ftprobe\"}, ", "");
        c->tools = ft__info_probe(i, t, "", "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": "
                                  "\"ftprobe\", \"description\": \"a tool\", \"parameters\": {\"type\": "
                                  "\"object\", \"properties\": {}}}}], ");
        c->error.code = FT_OK;
    }
    ft_template_free(t);
    return c->error.code == FT_ERR_MEMORY ? FT_ERR_MEMORY : FT_OK;
}

/* ---- folders that cannot be read as a model */

/* What config.json says, as keys. */
static ft_status ft__info_config(ft__info *i, const char *folder, ft_error *err) {
    static const char *const names[][2] = {
        {"num_hidden_layers", "block_count"}, {"hidden_size", "embedding_length"},
        {"intermediate_size", "feed_forward_length"}, {"num_attention_heads", "attention.head_count"},
        {"num_key_value_heads", "attention.head_count_kv"}, {"head_dim", "attention.key_length"},
        {"num_experts", "expert_count"}, {"num_local_experts", "expert_count"},
        {"num_experts_per_tok", "expert_used_count"}, {"max_position_embeddings", "context_length"},
        {"sliding_window", "attention.sliding_window"}};
    char key[160];
    ft__json *root;
    char *text;
    size_t n;
    const char *path = ft__path_join(&i->arena, folder, "config.json");
    ft_status status = path ? ft__read_file(path, &i->allocator, &text, &n, err) : ft__fail_memory(err);
    if (status) return status;
    status = ft__json_parse(text, n, path, 1, &i->arena, &root, err);
    ft__free(&i->allocator, text);
    if (status) return status;
    const ft__json *type = ft__json_get(root, "model_type");
    const char *arch = type && type->type == FT__JSON_STRING && type->text_len <= 64 ? type->text : "unknown";
    ft__gguf_make_begin(&i->file, folder, &i->allocator);
    ft__gguf_make_string(&i->file, "general.architecture", arch, strlen(arch));
    for (size_t k = 0; k < FT__COUNT(names); k++) {
        const ft__json *v = ft__json_get(root, names[k][0]);
        snprintf(key, sizeof key, "%s.%s", arch, names[k][1]);
        if (v && ft__json_is_integer(v, 0, UINT32_MAX)) ft__gguf_make_u32(&i->file, key, (uint32_t)v->number);
    }
    return ft__gguf_make_end(&i->file, err);
}

static ft_status ft__info_shard(ft__info *i, const char *path, ft_error *err) {
    ft__safetensors s;
    ft_status status = ft__safetensors_open(&s, path, &i->allocator, err);
    if (status) return status;
    for (size_t t = 0; t < s.n_tensors; t++) {
        const ft__st_dtype *dtype = s.tensors[t].dtype;
        const ft__format *format = dtype->format < 0 ? NULL : ft__format_find((uint32_t)dtype->format);
        ft__info_count(i, dtype->name, format, s.tensors[t].count, s.tensors[t].size);
    }
    i->n_bytes += s.file.size;
    i->n_files++;
    ft__safetensors_close(&s);
    return FT_OK;
}

static ft_status ft__info_folder(ft__info *i, const char *folder, ft_error *err) {
    const char **names = NULL;
    size_t n = 0;
    ft_status status = ft__info_config(i, folder, err);
    const bool opened = status == FT_OK;
    if (!status) status = ft__digest_names(folder, &i->arena, &names, &n, err);
    for (size_t k = 0; k < n && !status; k++) {
        const size_t len = strlen(names[k]), n_end = strlen(".safetensors");
        if (len < n_end || strcmp(names[k] + len - n_end, ".safetensors") != 0) continue;
        const char *path = ft__path_join(&i->arena, folder, names[k]);
        status = path ? ft__info_shard(i, path, err) : ft__fail_memory(err);
    }
    ft__free(&i->allocator, names);
    if (status && opened) ft__gguf_close(&i->file);
    i->n_active = i->n_params;
    return status;
}

static ft_status ft__info_gather(ft__info *i, ft_error *err) {
    for (int k = 0; k < FT__INFO_SIZES; k++) ft__info_read_size(i, ft__info_sizes[k].key, &i->size[k]);
    i->window_layers = -1;
    if (!i->why.code) {
        ft__info_tensors(i);
        i->n_bytes = i->file.file.size;
        i->n_files = (i->file.file.size > 0) + i->file.n_more;
        for (size_t k = 0; k < i->file.n_more; k++) i->n_bytes += i->file.more[k].size;
    }
    if (i->n_types) qsort(i->types, (size_t)i->n_types, sizeof i->types[0], ft__info_by_bytes);
    if (ft__info_load(i) || ft__info_read_template(i)) return ft__fail_memory(err);
    return ft_model_digest(i->path, &i->allocator, i->sha256, err);
}

/* ---- calls */

/* A folder that this version cannot read as a model has facts all the same, and the reason. */
static ft_status ft__info_open(ft__info *i, ft_error *err) {
    ft_status status = ft__model_file_open(&i->file, i->path, &i->allocator, err);
    if (status != FT_ERR_UNSUPPORTED || !ft__is_folder(i->path)) return status;
    i->why = *err;
    return ft__info_folder(i, i->path, err);
}

static ft_status ft__info_model(ft__info *i, bool json, ft__buf *out, ft_error *err) {
    ft__json_writer w;
    ft_status status = ft__info_open(i, err);
    if (status) return status;
    status = ft__info_gather(i, err);
    ft__json_writer_init(&w, out, 2);
    if (!status && json) ft__info_json(i, &w);
    else if (!status) ft__info_page(i, out);
    ft_model_free(i->vocab);
    ft__gguf_close(&i->file);
    return status;
}

ft_status ft_info(const char *path, bool json, ft_write_fn write, void *user, ft_error *err) {
    ft_error mine;
    ft__info i;
    ft__buf out;
    memset(&i, 0, sizeof i);
    i.path = path;
    i.allocator = ft__allocator(NULL);
    ft__arena_init(&i.arena, &i.allocator);
    ft__buf_init(&out, &i.allocator);
    if (!err) err = &mine;
    const bool adapter = ft__info_is_adapter(path, &i.allocator);
    ft_status status = adapter ? ft__info_adapter_report(path, NULL, json, &out, err)
                               : ft__info_model(&i, json, &out, err);
    if (!status) status = ft__buf_write(&out, write, user, path, err);
    ft__buf_free(&out);
    ft__arena_free(&i.arena);
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
        status = ft__fail(err, FT_ERR_UNSUPPORTED, path, "%s: type %s is not in this version", tensor,
                          format->name);
    else status = ft__info_decode(t, format, &a, write, user, err);
    ft__gguf_close(&g);
    return status;
}
