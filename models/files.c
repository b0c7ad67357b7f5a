/* The files that come out: a model and its adapters as GGUF, an adapter also as a PEFT folder; and a model
   read back, as the base of adapters. */
#include "train.h"

#include <stddef.h>

static const ft__format *format_of(const char *name) {
    for (uint32_t i = 0; i < FT__FORMATS; i++) {
        const ft__format *f = ft__format_find(i);
        if (f && f->encode && strcmp(f->name, name) == 0) return f;
    }
    return NULL;
}

static ft_status find_format(const char *name, const ft__format **format, ft_error *err) {
    *format = format_of(name);
    return *format ? FT_OK : ft__fail(err, FT_ERR_UNSUPPORTED, "type", "\"%.20s\" cannot be written", name);
}

/* ---- tensors of a GGUF file: declared in one walk, written in a second */

typedef struct output {
    ft__gguf_writer w;
    const ft__format *format;    /* of matrices */
    bool declare;
    ft_status status;
    ft_error *err;
} output;

static void write_tensor(output *o, const char *name, const float *data, int n_rows, int n_cols) {
    const ft__format *f = n_rows > 1 ? o->format : ft__format_find(FT__FORMAT_F32);
    const size_t n = (size_t)n_rows * (size_t)n_cols, size = n / f->n_elements * f->n_bytes;
    uint64_t ne[2];
    if (o->status) return;
    ne[0] = (uint64_t)n_cols;
    ne[1] = (uint64_t)n_rows;
    if (o->declare) {
        o->status = ft__gguf_write_tensor(&o->w, name, n_rows > 1 ? 2 : 1, ne, f->id, o->err);
        return;
    }
    void *blocks = ft__alloc(&o->w.allocator, size);
    if (!blocks) {
        o->status = ft__fail_memory(o->err);
        return;
    }
    f->encode(data, n, blocks);
    o->status = ft__gguf_write_data(&o->w, blocks, size, o->err);
    ft__free(&o->w.allocator, blocks);
}

static ft_status finish(output *o) {
    if (!o->status) return ft__gguf_write_end(&o->w, o->err);
    ft__gguf_write_abort(&o->w);
    return o->status;
}

/* ---- models */

static void model_tensors(output *o, const train_layout *l, const float *params) {
    char name[64];
    write_tensor(o, "token_embd.weight", params + l->embedding.at, l->embedding.n_rows, l->embedding.n_cols);
    for (int i = 0; i < l->shape.n_layers * TRAIN_TENSORS; i++) {
        const train_place p = l->layers[i];
        snprintf(name, sizeof name, "blk.%d.%s.weight", i / TRAIN_TENSORS,
                 train_tensor_name((train_tensor)(i % TRAIN_TENSORS)));
        write_tensor(o, name, params + p.at, p.n_rows, p.n_cols);
    }
    write_tensor(o, "output_norm.weight", params + l->output_norm.at, 1, l->output_norm.n_cols);
}

static const struct { const char *key; size_t at; } shape_keys[] = {
    {"llama.block_count", offsetof(train_shape, n_layers)},
    {"llama.embedding_length", offsetof(train_shape, n_embd)},
    {"llama.attention.head_count", offsetof(train_shape, n_heads)},
    {"llama.attention.head_count_kv", offsetof(train_shape, n_kv_heads)},
    {"llama.attention.key_length", offsetof(train_shape, head_dim)},
    {"llama.attention.value_length", offsetof(train_shape, head_dim)},
    {"llama.rope.dimension_count", offsetof(train_shape, head_dim)},
    {"llama.feed_forward_length", offsetof(train_shape, n_ff)},
    {"llama.context_length", offsetof(train_shape, n_ctx)},
    {"llama.vocab_size", offsetof(train_shape, n_vocab)},
};

static ft_status write_vocabulary(ft__gguf_writer *w, const train_bpe *b, ft__arena *arena, ft_error *err) {
    const char **tokens = (const char **)ft__arena_alloc(arena, (size_t)b->n_tokens, sizeof *tokens);
    if (!tokens) return ft__fail_memory(err);
    for (int i = 0; i < b->n_tokens; i++) tokens[i] = b->tokens[i].data;
    ft__gguf_write_string(w, "tokenizer.ggml.model", "gpt2");
    ft__gguf_write_string(w, "tokenizer.ggml.pre", "qwen2");
    ft__gguf_write_strings(w, "tokenizer.ggml.tokens", tokens, (size_t)b->n_tokens);
    ft__gguf_write_i32s(w, "tokenizer.ggml.token_type", b->types, (size_t)b->n_tokens);
    ft__gguf_write_strings(w, "tokenizer.ggml.merges", b->merges, (size_t)b->n_merges);
    ft__gguf_write_u32(w, "tokenizer.ggml.eos_token_id", (uint32_t)b->end);
    ft__gguf_write_bool(w, "tokenizer.ggml.add_bos_token", false);
    return FT_OK;
}

ft_status train_model_write(const train_model *m, const float *params, const train_bpe *bpe,
                            const train_recipe *recipe, const char *path, ft_error *err) {
    const train_shape *s = &m->layout.shape;
    ft__arena arena;
    output o;
    memset(&o, 0, sizeof o);
    o.err = err;
    ft_status status = find_format(recipe->type, &o.format, err);
    if (!status) status = ft__gguf_write_begin(&o.w, path, NULL, err);
    if (status) return status;
    ft__arena_init(&arena, NULL);
    ft__gguf_write_string(&o.w, "general.architecture", "llama");
    ft__gguf_write_string(&o.w, "general.name", recipe->name ? recipe->name : recipe->section);
    for (size_t i = 0; i < FT__COUNT(shape_keys); i++) {
        int value;
        memcpy(&value, (const char *)&m->layout.shape + shape_keys[i].at, sizeof value);
        ft__gguf_write_u32(&o.w, shape_keys[i].key, (uint32_t)value);
    }
    ft__gguf_write_f32(&o.w, "llama.rope.freq_base", s->rope_base);
    ft__gguf_write_f32(&o.w, "llama.attention.layer_norm_rms_epsilon", s->eps);
    o.status = write_vocabulary(&o.w, bpe, &arena, err);
    ft__gguf_write_string(&o.w, "tokenizer.chat_template", m->chat);
    o.declare = true;
    model_tensors(&o, &m->layout, params);
    o.declare = false;
    model_tensors(&o, &m->layout, params);
    ft__arena_free(&arena);
    return finish(&o);
}

static ft_status not_ours(const char *path, ft_error *err) {
    return ft__fail(err, FT_ERR_UNSUPPORTED, path, "only models that this trainer has made can be trained on");
}

static ft_status read_shape(const ft__gguf *g, train_shape *s, ft_error *err) {
    double eps = 0, base = 0;
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < FT__COUNT(shape_keys); i++) {
        int64_t value = 0;
        ft_status status = ft__gguf_int(g, shape_keys[i].key, 1, 16384, &value, err);
        if (status) return status;
        *(int *)(void *)((char *)s + shape_keys[i].at) = (int)value;
    }
    ft_status status = ft__gguf_float(g, "llama.rope.freq_base", &base, err);
    if (!status) status = ft__gguf_float(g, "llama.attention.layer_norm_rms_epsilon", &eps, err);
    if (status) return status;
    s->rope_base = (float)base;
    s->eps = (float)eps;
    const int whole[4] = {s->n_embd, s->n_ff, s->head_dim, s->n_vocab};
    bool ok = !ft__gguf_find(g, "output.weight") && base > 0 && eps > 0;
    ok = ok && s->n_layers && s->n_layers <= 64 && s->n_ctx;
    for (int i = 0; i < 4; i++) ok = ok && whole[i] && whole[i] % 32 == 0;
    ok = ok && s->n_heads && s->n_kv_heads && s->n_heads % s->n_kv_heads == 0;
    return ok ? FT_OK : not_ours(g->path, err);
}

static ft_status read_tensor(const ft__gguf *g, const char *name, train_place p, float *params, ft_error *err) {
    const ft__gguf_tensor *t = ft__gguf_find(g, name);
    const ft__format *f = t ? ft__format_find(t->type) : NULL;
    if (!t || !f->decode || t->ne[0] != (uint64_t)p.n_cols || t->ne[1] != (uint64_t)p.n_rows || t->ne[2] != 1)
        return ft__fail(err, FT_ERR_MISMATCH, g->path, "%s: expected a tensor [%d, %d]", name, p.n_cols, p.n_rows);
    f->decode(t->data, (size_t)p.n_rows * (size_t)p.n_cols, params + p.at);
    return FT_OK;
}

static ft_status read_tensors(train_model *m, ft_error *err) {
    const train_layout *l = &m->layout;
    char name[64];
    ft_status status = read_tensor(&m->file, "token_embd.weight", l->embedding, m->params, err);
    for (int i = 0; i < l->shape.n_layers * TRAIN_TENSORS && !status; i++) {
        snprintf(name, sizeof name, "blk.%d.%s.weight", i / TRAIN_TENSORS,
                 train_tensor_name((train_tensor)(i % TRAIN_TENSORS)));
        status = read_tensor(&m->file, name, l->layers[i], m->params, err);
    }
    return status ? status : read_tensor(&m->file, "output_norm.weight", l->output_norm, m->params, err);
}

ft_status train_model_read(train_model *m, const char *path, ft__arena *arena, ft_error *err) {
    train_shape shape;
    ft__gguf_str chat = {NULL, 0};
    memset(m, 0, sizeof *m);
    ft_status status = ft__gguf_open(&m->file, path, &arena->allocator, err);
    if (status) return status;
    m->is_open = true;
    status = read_shape(&m->file, &shape, err);
    if (!status) status = ft__gguf_string(&m->file, "tokenizer.chat_template", &chat, err);
    if (!status && !train_layout_init(&m->layout, &shape, arena)) status = ft__fail_memory(err);
    if (!status) m->params = (float *)ft__arena_alloc(arena, m->layout.n_params, sizeof(float));
    if (!status && !m->params) status = ft__fail_memory(err);
    if (!status) status = read_tensors(m, err);
    if (!status) status = ft__vocab_load(&m->vocab, &m->file, &arena->allocator, err);
    if (status) return status;
    if (!chat.len || m->vocab->n_vocab != shape.n_vocab || m->vocab->eos < 0 || !m->vocab->kind)
        return not_ours(path, err);
    m->chat = chat.data;
    m->n_chat = chat.len;
    m->end = ft__arena_text(arena, m->vocab->tokens[m->vocab->eos].data, m->vocab->tokens[m->vocab->eos].len);
    return m->end ? FT_OK : ft__fail_memory(err);
}

void train_model_close(train_model *m) {
    ft__vocab_free(m->vocab);
    if (m->is_open) ft__gguf_close(&m->file);
    memset(m, 0, sizeof *m);
}

/* ---- adapters */

static void adapter_tensors(output *o, const train_lora *l, const float *params) {
    char name[64];
    for (int i = 0; i < l->layout->shape.n_layers * TRAIN_TENSORS; i++) {
        const train_place p = l->layout->layers[i];
        if (l->at[i] == SIZE_MAX) continue;
        for (int b = 0; b < 2; b++) {
            snprintf(name, sizeof name, "blk.%d.%s.weight.lora_%c", i / TRAIN_TENSORS,
                     train_tensor_name((train_tensor)(i % TRAIN_TENSORS)), "ab"[b]);
            write_tensor(o, name, params + l->at[i] + (b ? (size_t)l->rank * (size_t)p.n_cols : 0),
                         b ? p.n_rows : l->rank, b ? l->rank : p.n_cols);
        }
    }
}

ft_status train_adapter_write(const train_lora *l, const float *params, const train_recipe *recipe,
                              const char *path, ft_error *err) {
    output o;
    memset(&o, 0, sizeof o);
    o.err = err;
    ft_status status = find_format(recipe->type, &o.format, err);
    if (!status) status = ft__gguf_write_begin(&o.w, path, NULL, err);
    if (status) return status;
    ft__gguf_write_string(&o.w, "general.type", "adapter");
    ft__gguf_write_string(&o.w, "general.architecture", "llama");
    ft__gguf_write_string(&o.w, "general.name", recipe->name ? recipe->name : recipe->section);
    ft__gguf_write_string(&o.w, "adapter.type", "lora");
    ft__gguf_write_f32(&o.w, "adapter.lora.alpha", (float)recipe->alpha);
    o.declare = true;
    adapter_tensors(&o, l, params);
    o.declare = false;
    adapter_tensors(&o, l, params);
    return finish(&o);
}

/* ---- PEFT.  Hugging Face turns the halves of a head against each other, GGUF neighbours: the outputs of
   queries and keys are in another order there. */

static const char *peft_module(int tensor) {
    static const char *const names[TRAIN_TENSORS] = {
        NULL, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
        NULL, "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};
    return names[tensor];
}

static int peft_row(const train_shape *s, int tensor, int row) {
    const int H = s->head_dim, in = row % H;
    if (tensor != TRAIN_Q && tensor != TRAIN_K) return row;
    return row - in + (in % 2) * (H / 2) + in / 2;
}

/* The head's entry and the bytes of a factor (n_rows, n_cols). */
static void peft_factor(ft__buf *head, ft__buf *data, const train_lora *l, int i, char factor, const float *params,
                        int n_rows, int n_cols) {
    const size_t from = data->len;
    const int tensor = i % TRAIN_TENSORS;
    for (int to = 0; to < n_rows; to++) {
        int row = 0; /* that goes here */
        while (factor == 'B' && peft_row(&l->layout->shape, tensor, row) != to) row++;
        const float *in = params + (size_t)(factor == 'B' ? row : to) * (size_t)n_cols;
        for (int c = 0; c < n_cols; c++) {
            const uint16_t half = ft__f32_to_f16(in[c]);
            ft__buf_add(data, (const char *)&half, sizeof half);
        }
    }
    ft__buf_printf(head,
                   "%s\"base_model.model.model.layers.%d.%s.lora_%c.weight\":{\"dtype\":\"F16\",\"shape\":[%d,%d],"
                   "\"data_offsets\":[%zu,%zu]}",
                   head->len > 1 ? "," : "", i / TRAIN_TENSORS, peft_module(tensor), factor, n_rows, n_cols, from,
                   data->len);
}

static ft_status peft_tensors(const train_lora *l, const float *params, const char *path, ft_error *err) {
    ft__buf head, data, file;
    ft__buf_init(&head, NULL);
    ft__buf_init(&data, NULL);
    ft__buf_init(&file, NULL);
    ft__buf_byte(&head, '{');
    for (int i = 0; i < l->layout->shape.n_layers * TRAIN_TENSORS; i++) {
        const train_place p = l->layout->layers[i];
        if (l->at[i] == SIZE_MAX) continue;
        const float *a = params + l->at[i], *b = a + (size_t)l->rank * (size_t)p.n_cols;
        peft_factor(&head, &data, l, i, 'A', a, l->rank, p.n_cols);
        peft_factor(&head, &data, l, i, 'B', b, p.n_rows, l->rank);
    }
    ft__buf_byte(&head, '}');
    while (head.len % 8) ft__buf_byte(&head, ' ');
    const uint64_t n_head = head.len;
    ft__buf_add(&file, (const char *)&n_head, sizeof n_head);
    ft__buf_add(&file, head.failed ? "" : head.data, head.failed ? 0 : head.len);
    ft__buf_add(&file, data.failed ? "" : data.data, data.failed ? 0 : data.len);
    const bool failed = head.failed || data.failed || file.failed;
    ft_status status = failed ? ft__fail_memory(err) : ft__write_file(path, file.data, file.len, NULL, err);
    ft__buf_free(&head);
    ft__buf_free(&data);
    ft__buf_free(&file);
    return status;
}

static void peft_config(const train_lora *l, const train_recipe *r, ft__buf *out) {
    ft__json_writer w;
    ft__json_writer_init(&w, out, 2);
    ft__json_begin(&w, '{');
    ft__json_key(&w, "peft_type");
    ft__json_text(&w, "LORA");
    ft__json_key(&w, "task_type");
    ft__json_text(&w, "CAUSAL_LM");
    ft__json_key(&w, "base_model_name_or_path");
    ft__json_text(&w, r->base);
    ft__json_key(&w, "r");
    ft__json_number(&w, l->rank);
    ft__json_key(&w, "lora_alpha");
    ft__json_number(&w, r->alpha);
    ft__json_key(&w, "lora_dropout");
    ft__json_number(&w, 0);
    ft__json_key(&w, "bias");
    ft__json_text(&w, "none");
    ft__json_key(&w, "fan_in_fan_out");
    ft__json_bool(&w, false);
    ft__json_key(&w, "use_rslora");
    ft__json_bool(&w, false);
    ft__json_key(&w, "inference_mode");
    ft__json_bool(&w, true);
    ft__json_key(&w, "target_modules");
    ft__json_begin(&w, '[');
    for (int t = 0; t < TRAIN_TENSORS; t++)
        if (l->at[t] != SIZE_MAX) ft__json_text(&w, strchr(peft_module(t), '.') + 1);
    ft__json_end(&w, ']');
    ft__json_end(&w, '}');
    ft__buf_byte(out, '\n');
}

ft_status train_peft_write(const train_lora *l, const float *params, const train_recipe *recipe, const char *folder,
                           ft_error *err) {
    ft__arena arena;
    ft__buf config;
    ft__arena_init(&arena, NULL);
    ft__buf_init(&config, NULL);
    peft_config(l, recipe, &config);
    const char *tensors = ft__path_join(&arena, folder, "adapter_model.safetensors");
    const char *json = ft__path_join(&arena, folder, "adapter_config.json");
    ft_status status = config.failed || arena.failed ? ft__fail_memory(err) : FT_OK;
    if (!status) status = ft__make_dirs(folder, &arena.allocator, err);
    if (!status) status = peft_tensors(l, params, tensors, err);
    if (!status) status = ft__write_file(json, config.data, config.len, NULL, err);
    ft__buf_free(&config);
    ft__arena_free(&arena);
    return status;
}
