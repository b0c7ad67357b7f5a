/* Hugging Face folders.  Most tests make a folder out of a GGUF file (tensors renamed, rows moved back, the
   vocabulary as tokenizer.json), open it, and expect the file again. */
#include "test.h"
#include "tiny.h"
#include "../src/model/hf.h"
#include "../src/text/text.h"

#include <sys/stat.h>
#include <unistd.h>

/* ---- writing safetensors */

enum { MAX_TENSORS = 512 };

typedef struct out_tensor {
    char name[128];
    const char *dtype;
    int n_dims;
    uint64_t shape[2];
    size_t size;
    uint8_t *data; /* freed when written */
} out_tensor;

typedef struct folder {
    char path[256];
    out_tensor tensors[MAX_TENSORS];
    int n_tensors;
} folder;

static folder *new_folder(const char *name) {
    static int count;
    folder *f = (folder *)calloc(1, sizeof *f);
    if (!f) abort();
    snprintf(f->path, sizeof f->path, "%s%d", test_path(name), count++);
    mkdir(f->path, 0700);
    return f;
}

static const char *in_folder(const folder *f, const char *file) {
    static char path[8][512];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(path[turn], sizeof path[turn], "%s/%s", f->path, file);
    return path[turn];
}

static void write_in(const folder *f, const char *file, const char *text) {
    test_write(in_folder(f, file), text, strlen(text));
}

static uint8_t *add_tensor(folder *f, const char *name, const char *dtype, uint64_t rows, uint64_t cols) {
    if (f->n_tensors == MAX_TENSORS) abort();
    out_tensor *t = &f->tensors[f->n_tensors++];
    snprintf(t->name, sizeof t->name, "%s", name);
    t->dtype = dtype;
    t->n_dims = rows ? 2 : 1;
    t->shape[0] = rows ? rows : cols;
    t->shape[1] = cols;
    t->size = (size_t)((rows ? rows : 1) * cols) * (strcmp(dtype, "F32") == 0 ? 4 : 2);
    t->data = (uint8_t *)calloc(t->size, 1);
    if (!t->data) abort();
    return t->data;
}

static out_tensor *tensor_of(folder *f, const char *name) {
    for (int i = 0; i < f->n_tensors; i++)
        if (strcmp(f->tensors[i].name, name) == 0) return &f->tensors[i];
    abort();
}

static void write_shard(const folder *f, const char *file, int first, int n) {
    ft__buf b;
    uint64_t length = 0, at = 0;
    ft__buf_init(&b, NULL);
    ft__buf_add(&b, (const char *)&length, 8);
    ft__buf_text(&b, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (int i = first; i < first + n; i++) {
        const out_tensor *t = &f->tensors[i];
        ft__buf_printf(&b, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%llu", t->name, t->dtype,
                       (unsigned long long)t->shape[0]);
        if (t->n_dims == 2) ft__buf_printf(&b, ",%llu", (unsigned long long)t->shape[1]);
        ft__buf_printf(&b, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)at,
                       (unsigned long long)(at + t->size));
        at += t->size;
    }
    ft__buf_text(&b, "}");
    while (b.len % 8) ft__buf_byte(&b, ' ');
    length = b.len - 8;
    memcpy(b.data, &length, 8);
    for (int i = first; i < first + n; i++)
        ft__buf_add(&b, (const char *)f->tensors[i].data, f->tensors[i].size);
    test_write(in_folder(f, file), b.data, b.len);
    ft__buf_free(&b);
}

/* All tensors, in one file or in n with an index. */
static void write_tensors(const folder *f, int n_shards) {
    char file[64];
    ft__buf index;
    unlink(in_folder(f, "model.safetensors"));
    unlink(in_folder(f, "model.safetensors.index.json"));
    if (n_shards == 1) {
        write_shard(f, "model.safetensors", 0, f->n_tensors);
        return;
    }
    ft__buf_init(&index, NULL);
    ft__buf_text(&index, "{\"metadata\":{\"total_size\":1},\"weight_map\":{");
    for (int s = 0; s < n_shards; s++) {
        int first = f->n_tensors * s / n_shards, end = f->n_tensors * (s + 1) / n_shards;
        snprintf(file, sizeof file, "model-%05d-of-%05d.safetensors", s + 1, n_shards);
        write_shard(f, file, first, end - first);
        for (int i = first; i < end; i++)
            ft__buf_printf(&index, "%s\"%s\":\"%s\"", i ? "," : "", f->tensors[i].name, file);
    }
    ft__buf_text(&index, "}}");
    write_in(f, "model.safetensors.index.json", index.data);
    ft__buf_free(&index);
}

static void free_folder(folder *f) {
    for (int i = 0; i < f->n_tensors; i++) free(f->tensors[i].data);
    free(f);
}

/* ---- a GGUF's tensors by Hugging Face's names */

static const char *const names[][2] = {
    {"attn_norm", "input_layernorm"}, {"attn_q", "self_attn.q_proj"}, {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"}, {"attn_output", "self_attn.o_proj"}, {"attn_qkv", "self_attn.qkv_proj"},
    {"attn_q_norm", "self_attn.q_norm"}, {"attn_k_norm", "self_attn.k_norm"},
    {"post_attention_norm", "post_attention_layernorm"}, {"post_ffw_norm", "post_feedforward_layernorm"},
    {"ffn_gate", "mlp.gate_proj"}, {"ffn_up", "mlp.up_proj"}, {"ffn_down", "mlp.down_proj"},
};

static bool is_arch(const char *arch, const char *list) {
    char padded[64];
    snprintf(padded, sizeof padded, " %.60s ", arch);
    return strstr(list, padded) != NULL;
}

/* Moves the rows of a matrix or vector of interleaved heads back: pair i to i and half + i. */
static void halves(const uint8_t *from, uint8_t *to, size_t rows, size_t head, size_t row_bytes) {
    for (size_t r = 0; r < rows; r++) {
        size_t j = r % head;
        memcpy(to + (r - j + (j % 2 ? head / 2 : 0) + j / 2) * row_bytes, from + r * row_bytes, row_bytes);
    }
}

static const char *dtype_name(uint32_t type) {
    return type == FT__FORMAT_F32 ? "F32" : type == FT__FORMAT_F16 ? "F16" : "BF16";
}

static int64_t key_of(const ft__gguf *g, const char *arch, const char *key, int64_t otherwise) {
    char name[128];
    int64_t value = otherwise;
    snprintf(name, sizeof name, "%s.%s", arch, key);
    ft__gguf_int(g, name, INT64_MIN, INT64_MAX, &value, NULL);
    return value;
}

static double float_of(const ft__gguf *g, const char *arch, const char *key, double otherwise) {
    char name[128];
    double value = otherwise;
    snprintf(name, sizeof name, "%s.%s", arch, key);
    ft__gguf_float(g, name, &value, NULL);
    return value;
}

static void add_experts(folder *f, const ft__gguf_tensor *t, const char *arch, int layer, const char *which) {
    const size_t size = (size_t)(t->size / t->ne[2]);
    const bool mixtral = strcmp(arch, "llama") == 0;
    const char *part = mixtral ? (strcmp(which, "gate") == 0 ? "w1" : strcmp(which, "up") == 0 ? "w3" : "w2")
                               : which;
    for (uint64_t e = 0; e < t->ne[2]; e++) {
        char name[128];
        snprintf(name, sizeof name,
                 mixtral ? "model.layers.%d.block_sparse_moe.experts.%d.%s.weight"
                         : "model.layers.%d.mlp.experts.%d.%s_proj.weight", layer, (int)e, part);
        memcpy(add_tensor(f, name, dtype_name(t->type), t->ne[1], t->ne[0]), t->data + e * size, size);
    }
}

static void add_renamed(folder *f, const ft__gguf *g, const ft__gguf_tensor *t, const char *arch) {
    int layer = 0, n = 0;
    char module[64] = "", suffix[16] = "", name[128] = "";
    if (strcmp(t->name, "token_embd.weight") == 0) {
        snprintf(name, sizeof name, "model.embed_tokens.weight");
    } else if (strcmp(t->name, "output_norm.weight") == 0) {
        snprintf(name, sizeof name, "model.norm.weight");
    } else if (strcmp(t->name, "output.weight") == 0) {
        snprintf(name, sizeof name, "lm_head.weight");
    } else if (sscanf(t->name, "blk.%d.%63[^.].%15s%n", &layer, module, suffix, &n) == 3) {
        const char *hf = NULL;
        for (size_t i = 0; i < FT__COUNT(names); i++)
            if (strcmp(names[i][0], module) == 0) hf = names[i][1];
        if (strcmp(module, "ffn_norm") == 0)
            hf = is_arch(arch, " gemma2 gemma3 ") ? "pre_feedforward_layernorm" : "post_attention_layernorm";
        if (strcmp(module, "ffn_up") == 0 && strcmp(arch, "phi3") == 0) hf = "mlp.gate_up_proj";
        if (strcmp(module, "ffn_gate_inp") == 0)
            hf = strcmp(arch, "llama") == 0 ? "block_sparse_moe.gate" : "mlp.gate";
        if (strstr(module, "_exps")) {
            char which[8] = "";
            sscanf(module, "ffn_%7[a-z]", which);
            add_experts(f, t, arch, layer, which);
            return;
        }
        if (!hf) abort();
        snprintf(name, sizeof name, "model.layers.%d.%s.%s", layer, hf, suffix);
    } else {
        return; /* rope factors come from config.json */
    }
    uint64_t rows = t->n_dims == 2 ? t->ne[1] : 0;
    uint8_t *data = add_tensor(f, name, dtype_name(t->type), rows, t->ne[0]);
    bool q = strcmp(module, "attn_q") == 0, k = strcmp(module, "attn_k") == 0;
    if (is_arch(arch, " llama smollm3 granite ") && (q || k)) {
        size_t heads = (size_t)key_of(g, arch, q ? "attention.head_count" : "attention.head_count_kv", 1);
        size_t all = (size_t)(rows ? rows : t->ne[0]);
        halves(t->data, data, all, all / heads, (size_t)t->size / all);
    } else {
        memcpy(data, t->data, (size_t)t->size);
    }
    if (is_arch(arch, " gemma2 gemma3 ") && strstr(t->name, "norm"))
        for (uint64_t i = 0; i < t->ne[0]; i++) {
            float v;
            memcpy(&v, data + 4 * i, 4);
            v -= 1;
            memcpy(data + 4 * i, &v, 4);
        }
}

static void put_number(ft__json_writer *w, const char *key, double value) {
    ft__json_key(w, key);
    ft__json_number(w, value);
}

/* A float key as the number somebody would have written. */
static void put_float(ft__json_writer *w, const char *key, double value) {
    char digits[32];
    snprintf(digits, sizeof digits, "%.7g", value);
    put_number(w, key, atof(digits));
}

static void write_rope_list(ft__json_writer *w, const ft__gguf *g, const char *tensor, const char *key) {
    const ft__gguf_tensor *t = ft__gguf_find(g, tensor);
    ft__json_key(w, key);
    ft__json_begin(w, '[');
    for (uint64_t i = 0; i < t->ne[0]; i++) {
        float v;
        memcpy(&v, t->data + 4 * i, 4);
        ft__json_number(w, (double)v);
    }
    ft__json_end(w, ']');
}

static void write_rope(ft__json_writer *w, const ft__gguf *g, const char *arch) {
    char name[128];
    ft__gguf_str type = {"", 0};
    snprintf(name, sizeof name, "%s.rope.scaling.type", arch);
    ft__gguf_string(g, name, &type, NULL);
    if (!type.len && !ft__gguf_find(g, "rope_factors_long.weight")) return;
    ft__json_key(w, "rope_scaling");
    ft__json_begin(w, '{');
    ft__json_key(w, "rope_type");
    if (type.len) ft__json_string(w, type.data, type.len);
    else ft__json_text(w, "longrope");
    if (type.len) put_float(w, "factor", float_of(g, arch, "rope.scaling.factor", 0));
    if (type.len == 4)
        put_number(w, "original_max_position_embeddings",
                   (double)key_of(g, arch, "rope.scaling.original_context_length", 0));
    if (!type.len) {
        write_rope_list(w, g, "rope_factors_long.weight", "long_factor");
        write_rope_list(w, g, "rope_factors_short.weight", "short_factor");
    }
    ft__json_end(w, '}');
}

static const struct {
    const char *key, *field;
    char kind; /* 'i' or 'f' */
} fields[] = {
    {"block_count", "num_hidden_layers", 'i'}, {"context_length", "max_position_embeddings", 'i'},
    {"embedding_length", "hidden_size", 'i'}, {"feed_forward_length", "intermediate_size", 'i'},
    {"attention.head_count", "num_attention_heads", 'i'},
    {"attention.head_count_kv", "num_key_value_heads", 'i'}, {"attention.key_length", "head_dim", 'i'},
    {"vocab_size", "vocab_size", 'i'}, {"attention.layer_norm_rms_epsilon", "rms_norm_eps", 'f'},
    {"rope.freq_base", "rope_theta", 'f'}, {"attention.sliding_window", "sliding_window", 'i'},
    {"attn_logit_softcapping", "attn_logit_softcapping", 'f'},
    {"final_logit_softcapping", "final_logit_softcapping", 'f'},
    {"embedding_scale", "embedding_multiplier", 'f'}, {"attention.scale", "attention_multiplier", 'f'},
    {"residual_scale", "residual_multiplier", 'f'}, {"logit_scale", "logits_scaling", 'f'},
    {"expert_used_count", "num_experts_per_tok", 'i'},
    {"expert_feed_forward_length", "moe_intermediate_size", 'i'},
};

/* config.json; `more` is put in as it is ("\"tie_word_embeddings\":true"). */
static void write_config(const folder *f, const ft__gguf *g, const char *arch, const char *more) {
    ft__buf b;
    ft__json_writer w;
    char name[128];
    const bool experts = key_of(g, arch, "expert_count", 0) > 0, moe = strcmp(arch, "qwen3moe") == 0;
    const int64_t head_dim = key_of(g, arch, "attention.key_length", 0);
    const bool biased = !is_arch(arch, " qwen2 ") && ft__gguf_find(g, "blk.0.attn_q.bias");
    ft__buf_init(&b, NULL);
    ft__json_writer_init(&w, &b, 1);
    ft__json_begin(&w, '{');
    ft__json_key(&w, "model_type");
    ft__json_text(&w, moe ? "qwen3_moe"
                      : experts ? "mixtral"
                      : strcmp(arch, "gemma3") == 0 ? "gemma3_text" : arch);
    for (size_t i = 0; i < FT__COUNT(fields); i++) {
        snprintf(name, sizeof name, "%s.%s", arch, fields[i].key);
        if (!ft__gguf_key(g, name)) continue;
        if (fields[i].kind == 'i') put_number(&w, fields[i].field, (double)key_of(g, arch, fields[i].key, 0));
        else put_float(&w, fields[i].field, float_of(g, arch, fields[i].key, 0));
    }
    if (float_of(g, arch, "rope.freq_base", -1) < 0) put_number(&w, "rope_theta", 10000); /* GGUF's default */
    if (experts) put_number(&w, moe ? "num_experts" : "num_local_experts",
                            (double)key_of(g, arch, "expert_count", 0));
    if (moe) ft__json_key(&w, "norm_topk_prob"), ft__json_bool(&w, true);
    if (biased) {
        ft__json_key(&w, "attention_bias"), ft__json_bool(&w, true);
        ft__json_key(&w, "mlp_bias"), ft__json_bool(&w, ft__gguf_find(g, "blk.0.ffn_up.bias") != NULL);
    }
    if (is_arch(arch, " gemma2 gemma3 ")) {
        ft__json_key(&w, "hidden_activation");
        ft__json_text(&w, "gelu_pytorch_tanh");
        put_number(&w, "query_pre_attn_scalar", (double)head_dim);
    }
    if (strcmp(arch, "phi3") == 0) {
        double share = (double)key_of(g, arch, "rope.dimension_count", 0) *
                       (double)key_of(g, arch, "attention.head_count", 0) /
                       (double)key_of(g, arch, "embedding_length", 1);
        put_number(&w, "partial_rotary_factor", share);
        if (key_of(g, arch, "rope.scaling.original_context_length", 0))
            put_number(&w, "original_max_position_embeddings",
                       (double)key_of(g, arch, "rope.scaling.original_context_length", 0));
    }
    write_rope(&w, g, arch);
    ft__json_key(&w, "tie_word_embeddings");
    ft__json_bool(&w, !ft__gguf_find(g, "output.weight"));
    ft__json_end(&w, '}');
    if (more) {
        b.data[--b.len] = 0; /* the bracket */
        ft__buf_printf(&b, ",%s}", more);
    }
    write_in(f, "config.json", b.data);
    ft__buf_free(&b);
}

/* ---- a GGUF's vocabulary as tokenizer.json */

typedef struct vocab {
    ft__gguf_str *tokens;
    const ft__gguf_kv *types, *scores;
    size_t n;
    ft__vocab *v;
} vocab;

static int type_of(const vocab *v, size_t i) { return v->types ? (int)ft__gguf_int_at(v->types, i) : 1; }

static const vocab *sorted_vocab;
static int by_score(const void *a, const void *b) {
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    double p = ft__gguf_number_at(sorted_vocab->scores, (uint64_t)x);
    double q = ft__gguf_number_at(sorted_vocab->scores, (uint64_t)y);
    if (p > q || p < q) return p > q ? -1 : 1;
    return x < y ? -1 : 1;
}

static int64_t find_token(const vocab *v, const char *text, size_t n) {
    uint64_t hash, power;
    ft__tok_hash(text, n, &hash, &power);
    return ft__tok_find(v->v, text, n, hash);
}

/* All ways to make each normal token out of two, the best score first: how SentencePiece files are
   converted. */
static void write_merges(ft__json_writer *w, const vocab *v, bool pairs) {
    int32_t *order = (int32_t *)malloc(v->n * sizeof *order);
    ft__buf b;
    ft__buf_init(&b, NULL);
    if (!order) abort();
    for (size_t i = 0; i < v->n; i++) order[i] = (int32_t)i;
    sorted_vocab = v;
    qsort(order, v->n, sizeof *order, by_score);
    for (size_t i = 0; i < v->n; i++) {
        const ft__gguf_str t = v->tokens[order[i]];
        if (type_of(v, (size_t)order[i]) != 1) continue;
        const char *end = t.data + t.len, *p = t.data;
        for (ft__utf8_next(&p, end); p < end; ft__utf8_next(&p, end)) {
            int64_t left = find_token(v, t.data, (size_t)(p - t.data));
            int64_t right = find_token(v, p, (size_t)(end - p));
            if (left < 0 || right < 0) continue;
            int tl = type_of(v, (size_t)left), tr = type_of(v, (size_t)right);
            if ((tl != 1 && tl != 6) || (tr != 1 && tr != 6)) continue;
            b.len = 0;
            if (pairs) {
                ft__json_begin(w, '[');
                ft__json_string(w, t.data, (size_t)(p - t.data));
                ft__json_string(w, p, (size_t)(end - p));
                ft__json_end(w, ']');
            } else {
                ft__buf_add(&b, t.data, (size_t)(p - t.data));
                ft__buf_byte(&b, ' ');
                ft__buf_add(&b, p, (size_t)(end - p));
                ft__json_string(w, b.data, b.len);
            }
        }
    }
    ft__buf_free(&b);
    free(order);
}

/* U+2581 for blanks, as tokenizer.json has them in user-defined tokens, unless another is spelled so. */
static void write_spelling(ft__json_writer *w, const vocab *v, ft__gguf_str t, bool blanks) {
    ft__buf b;
    ft__buf_init(&b, NULL);
    for (size_t i = 0; i < t.len; i++)
        if (blanks && t.data[i] == ' ') ft__buf_text(&b, "\xE2\x96\x81");
        else ft__buf_byte(&b, t.data[i]);
    if (find_token(v, b.data, b.len) >= 0) ft__json_string(w, t.data, t.len);
    else ft__json_string(w, b.data, b.len);
    ft__buf_free(&b);
}

typedef struct tokenizer_text {
    const char *normalizer, *pre_tokenizer, *post_processor, *model; /* JSON; model: further members */
    bool pairs;   /* merges as arrays */
    bool rstrip;  /* of special tokens, as Phi-3 has it */
} tokenizer_text;

static bool is_one_of(ft__gguf_str t, const char *list) {
    char padded[64];
    snprintf(padded, sizeof padded, " %.*s ", (int)(t.len < 40 ? t.len : 40), t.data);
    return strstr(list, padded) != NULL;
}

static void write_tokenizer(const folder *f, ft__gguf *g, const tokenizer_text *how) {
    vocab v;
    ft__buf b;
    ft__json_writer w;
    ft_error err;
    const ft__gguf_kv *kv = ft__gguf_key(g, "tokenizer.ggml.tokens");
    const ft__gguf_kv *merges = ft__gguf_key(g, "tokenizer.ggml.merges");
    memset(&v, 0, sizeof v);
    if (ft__gguf_strings(g, kv, &v.tokens, &err) || ft__vocab_load(&v.v, g, NULL, &err)) abort();
    v.n = (size_t)kv->count;
    v.types = ft__gguf_key(g, "tokenizer.ggml.token_type");
    v.scores = ft__gguf_key(g, "tokenizer.ggml.scores");
    ft__buf_init(&b, NULL);
    ft__json_writer_init(&w, &b, 0);
    ft__json_begin(&w, '{');
    ft__json_key(&w, "added_tokens");
    ft__json_begin(&w, '[');
    for (size_t i = 0; i < v.n; i++) {
        const int type = type_of(&v, i);
        if (type < 2 || type > 4) continue;
        ft__json_begin(&w, '{');
        put_number(&w, "id", (double)i);
        ft__json_key(&w, "content");
        write_spelling(&w, &v, v.tokens[i], !merges && type == 4);
        ft__json_key(&w, "special"), ft__json_bool(&w, type != 4);
        ft__json_key(&w, "lstrip"), ft__json_bool(&w, false);
        ft__json_key(&w, "rstrip");
        ft__json_bool(&w, how->rstrip && !is_one_of(v.tokens[i], " <unk> <s> <|endoftext|> "));
        ft__json_end(&w, '}');
    }
    ft__json_end(&w, ']');
    b.len = strlen(b.data);
    ft__buf_printf(&b, ",\"normalizer\":%s,\"pre_tokenizer\":%s,\"post_processor\":%s,\"model\":{\"type\":\"BPE\",%s",
                   how->normalizer, how->pre_tokenizer, how->post_processor, how->model);
    ft__json_writer_init(&w, &b, 0);
    ft__buf_text(&b, "\"vocab\":");
    ft__json_begin(&w, '{');
    for (size_t i = 0; i < v.n; i++) {
        const int type = type_of(&v, i);
        if (type == 5 || (type > 1 && type < 5 && merges)) continue;
        if (type == 4) continue;
        char *key = ft__arena_text(&g->arena, v.tokens[i].data, v.tokens[i].len);
        ft__json_key(&w, key);
        ft__json_number(&w, (double)i);
    }
    ft__json_end(&w, '}');
    ft__buf_text(&b, ",\"merges\":");
    ft__json_writer_init(&w, &b, 0);
    ft__json_begin(&w, '[');
    if (merges) {
        ft__gguf_str *all;
        if (ft__gguf_strings(g, merges, &all, &err)) abort();
        for (uint64_t i = 0; i < merges->count; i++) ft__json_string(&w, all[i].data, all[i].len);
    } else {
        write_merges(&w, &v, how->pairs);
    }
    ft__json_end(&w, ']');
    ft__buf_text(&b, "}}");
    if (b.failed) abort();
    test_write(in_folder(f, "tokenizer.json"), b.data, b.len);
    ft__buf_free(&b);
    ft__vocab_free(v.v);
}

#define SP_REPLACE "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\xE2\x96\x81\"}"
#define SP_PREPEND "{\"type\":\"Prepend\",\"prepend\":\"\xE2\x96\x81\"}"
#define BOS_BEFORE(bos)                                                                                        \
    "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"" bos "\",\"type_id\":0}},"            \
    "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{}}"
#define SP_MODEL "\"byte_fallback\":true,\"unk_token\":\"<unk>\",\"fuse_unk\":true,"

static const tokenizer_text sp_llama = {
    "{\"type\":\"Sequence\",\"normalizers\":[" SP_PREPEND "," SP_REPLACE "]}", "null", BOS_BEFORE("<s>"),
    SP_MODEL, false, false};
static const tokenizer_text sp_gemma = {
    SP_REPLACE, "{\"type\":\"Split\",\"pattern\":{\"String\":\" \"},\"behavior\":\"MergedWithPrevious\","
                "\"invert\":false}", BOS_BEFORE("<s>"), SP_MODEL, true, false};

/* ---- the whole way */

static char architecture[64];

static void read_architecture(const ft__gguf *g) {
    ft__gguf_str text = {"", 0};
    ft__gguf_string(g, "general.architecture", &text, NULL);
    snprintf(architecture, sizeof architecture, "%.*s", (int)text.len, text.data);
}

/* The folder of a GGUF file, with all but the tensors written. */
static folder *folder_of(ft__gguf *g, const char *name, const char *more) {
    folder *f = new_folder(name);
    read_architecture(g);
    for (size_t i = 0; i < g->n_tensors; i++) add_renamed(f, g, &g->tensors[i], architecture);
    write_config(f, g, architecture, more);
    write_in(f, "tokenizer_config.json",
             "{\"bos_token\":\"<s>\",\"eos_token\":{\"content\":\"</s>\",\"lstrip\":false}}");
    return f;
}

static void check_same_tensor(const ft__gguf_tensor *want, const ft__gguf_tensor *got, bool exact) {
    bool same = got && want->type == got->type && want->size == got->size &&
                memcmp(want->ne, got->ne, sizeof want->ne) == 0;
    for (uint64_t i = 0; same && !exact && i < want->ne[0]; i++) {
        float a, b;
        memcpy(&a, want->data + 4 * i, 4);
        memcpy(&b, got->data + 4 * i, 4);
        same = a - b <= 2e-7f && b - a <= 2e-7f;
    }
    if (same && exact) same = memcmp(want->data, got->data, (size_t)want->size) == 0;
    if (!same) test_note("tensor %s differs", want->name);
    CHECK(same);
}

static bool same_string(const ft__gguf_kv *a, const ft__gguf_kv *b) {
    uint64_t n;
    memcpy(&n, a->data, 8);
    return memcmp(a->data, b->data, 8) == 0 && memcmp(a->data + 8, b->data + 8, (size_t)n) == 0;
}

static void check_same_keys(const ft__gguf *want, const ft__gguf *got) {
    static const char ignored[] = " type file_type name size_label ";
    for (size_t i = 0; i < want->n_kv; i++) {
        const ft__gguf_kv *a = &want->kv[i];
        char key[128], padded[132];
        snprintf(key, sizeof key, "%.*s", (int)a->key.len, a->key.data);
        snprintf(padded, sizeof padded, " %s ", strrchr(key, '.') + 1);
        if (strncmp(key, "tokenizer.", 10) == 0) continue;
        if (strncmp(key, "general.", 8) == 0 && strstr(ignored, padded)) continue;
        const ft__gguf_kv *b = ft__gguf_key(got, key);
        bool same = b && a->element == FT__GGUF_STRING
                        ? b->element == FT__GGUF_STRING && same_string(a, b)
                        : b && ft__gguf_number_at(a, 0) <= ft__gguf_number_at(b, 0) * (1 + 1e-7) &&
                              ft__gguf_number_at(a, 0) >= ft__gguf_number_at(b, 0) * (1 - 1e-7);
        if (!same) test_note("key %s differs", key);
        CHECK(same);
    }
}

/* Writes the folder's tensors, opens it, and expects the file's tensors and keys. */
static void check_same(const folder *f, const ft__gguf *g, int n_shards) {
    ft__gguf got;
    ft_error err;
    test_memory memory = {0, 0, 0};
    ft_allocator a = test_allocator(&memory);
    write_tensors(f, n_shards);
    if (!CHECK_OK(ft__hf_open(&got, f->path, &a, &err), err)) return;
    CHECK_INT(got.n_tensors, g->n_tensors);
    for (size_t i = 0; i < g->n_tensors; i++) {
        const char *name = g->tensors[i].name;
        const bool exact = !(is_arch(architecture, " gemma2 gemma3 ") && strstr(name, "norm"));
        check_same_tensor(&g->tensors[i], ft__gguf_find(&got, name), exact);
    }
    check_same_keys(g, &got);
    ft__gguf_close(&got);
    CHECK_INT(memory.live, 0);
}

static void check_round_trip(const char *path, int n_shards) {
    ft__gguf g;
    ft_error err;
    if (!CHECK_OK(ft__gguf_open(&g, path, NULL, &err), err)) return;
    folder *f = folder_of(&g, "model", NULL);
    write_tokenizer(f, &g, &sp_llama);
    check_same(f, &g, n_shards);
    free_folder(f);
    ft__gguf_close(&g);
}

static tiny_model tiny(void) {
    tiny_model m;
    memset(&m, 0, sizeof m);
    m.n_layers = 3;
    return m;
}

TEST(hf, gives_the_file_it_came_from) {
    tiny_model m = tiny();
    tiny_write_model(test_path("a.gguf"), &m);
    check_round_trip(test_path("a.gguf"), 1);
    check_round_trip(test_path("a.gguf"), 3);
    m.attn_bias = m.ffn_bias = m.tied = true;
    m.head_dim = 24;
    tiny_write_model(test_path("a.gguf"), &m);
    check_round_trip(test_path("a.gguf"), 2);
    m = tiny();
    m.type = FT__FORMAT_BF16;
    tiny_write_model(test_path("a.gguf"), &m);
    check_round_trip(test_path("a.gguf"), 1);
    m = tiny();
    m.n_experts = 4;
    m.type = FT__FORMAT_F16;
    tiny_write_model(test_path("a.gguf"), &m);
    check_round_trip(test_path("a.gguf"), 2);
}

TEST(hf, gives_the_shared_files) {
    static const char *const models[] = {"llama", "llama-f16", "llama-bf16", "llamabias", "llamalinear",
                                         "llamayarn", "llamamoe", "qwen2", "qwen3", "qwen3moe", "gemma2",
                                         "gemma3", "phi3", "phi3lr", "smollm3", "granite", "olmo2"};
    char path[64];
    if (!test_shared("logits/llama.gguf")) SKIP("no ../shared");
    for (size_t i = 0; i < FT__COUNT(models); i++) {
        snprintf(path, sizeof path, "logits/%s.gguf", models[i]);
        check_round_trip(test_shared(path), i % 2 ? 2 : 1);
    }
}

/* The folders that ../shared/tools wrote. */
TEST(hf, gives_the_shared_folders) {
    static const char *const names_[] = {"llama", "qwen3"};
    char path[64];
    if (!test_shared("lora/llama/hf")) SKIP("no ../shared");
    for (size_t i = 0; i < 2; i++) {
        ft__gguf want, got;
        ft_error err;
        snprintf(path, sizeof path, "logits/%s.gguf", names_[i]);
        if (!CHECK_OK(ft__gguf_open(&want, test_shared(path), NULL, &err), err)) return;
        snprintf(path, sizeof path, "lora/%s/hf", names_[i]);
        if (CHECK_OK(ft__hf_open(&got, test_shared(path), NULL, &err), err)) {
            CHECK_INT(got.n_tensors, want.n_tensors);
            for (size_t k = 0; k < want.n_tensors; k++)
                check_same_tensor(&want.tensors[k], ft__gguf_find(&got, want.tensors[k].name), true);
            check_same_keys(&want, &got);
            CHECK(!ft__gguf_key(&got, "tokenizer.ggml.model"));
            ft__gguf_close(&got);
        }
        ft__gguf_close(&want);
    }
}

/* ---- logits */

/* The folder as a GGUF file, which is all that loading a model sees of it. */
static bool save(ft__gguf *g, const char *path) {
    ft__gguf_writer w;
    ft_error err;
    if (!CHECK_OK(ft__gguf_write_begin(&w, path, NULL, &err), err)) return false;
    for (size_t i = 0; i < g->n_kv; i++) ft__gguf_write_kv(&w, &g->kv[i]);
    for (size_t i = 0; i < g->n_tensors; i++) {
        const ft__gguf_tensor *t = &g->tensors[i];
        CHECK_OK(ft__gguf_write_tensor(&w, t->name, t->n_dims, t->ne, t->type, &err), err);
    }
    for (size_t i = 0; i < g->n_tensors; i++)
        CHECK_OK(ft__gguf_write_data(&w, g->tensors[i].data, (size_t)g->tensors[i].size, &err), err);
    return CHECK_OK(ft__gguf_write_end(&w, &err), err);
}

static int collect(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n);
    return 0;
}

/* The largest distance of the model's logits from a reference, -1 if the model does not load. */
static double distance(const char *path, const char *name) {
    char file[64];
    size_t n = 0;
    ft_error err;
    double worst = -1;
    snprintf(file, sizeof file, "logits/%s.ref64.f32", name);
    char *reference = test_read(test_shared(file), &n);
    snprintf(file, sizeof file, "logits/%s.json", name);
    char *json = test_read(test_shared(file), NULL);
    ft_model *m = ft_model_load(path, NULL, &err);
    ft_session_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.kv = FT_KV_F32;
    desc.n_ctx = 256; /* phi3lr's references are for short contexts */
    ft_session *s = m ? ft_session_create(m, &desc, &err) : NULL;
    const char *tokens = json ? strstr(json, "\"tokens\"") : NULL;
    if (s && reference && tokens) {
        int32_t ids[64];
        int n_ids = 0;
        ft__buf out;
        ft__buf_init(&out, NULL);
        tokens = strchr(tokens, '[');
        for (char *p = (char *)(uintptr_t)tokens + 1; n_ids < 64 && *p && p[-1] != ']'; p++)
            ids[n_ids++] = (int32_t)strtol(p, &p, 10);
        CHECK_OK(ft_session_write_logits(s, 0, ids, n_ids, collect, &out, &err), err);
        if (CHECK_INT(out.len, n)) worst = 0;
        for (size_t i = 0; i < n / 4 && worst >= 0; i++) {
            float a, b;
            memcpy(&a, out.data + 4 * i, 4);
            memcpy(&b, reference + 4 * i, 4);
            double d = (double)a - (double)b;
            if (d < 0) d = -d;
            if (d > worst) worst = d;
        }
        ft__buf_free(&out);
    } else {
        test_note("%s: %s: %s", name, err.where, err.message);
    }
    ft_session_free(s);
    ft_model_free(m);
    free(reference);
    free(json);
    return worst;
}

static void check_logits(const char *path, const char *name) {
    ft__gguf g;
    ft_error err;
    if (!CHECK_OK(ft__hf_open(&g, path, NULL, &err), err)) return;
    if (save(&g, test_path("saved.gguf"))) {
        double d = distance(test_path("saved.gguf"), name);
        if (!CHECK(d >= 0 && d < 1e-4)) test_note("%s: %d millionths", name, (int)(d * 1e6));
    }
    ft__gguf_close(&g);
}

TEST(hf, gives_the_reference_logits) {
    static const char *const made[] = {"llamamoe", "qwen2", "gemma2", "gemma3", "phi3", "phi3lr", "smollm3"};
    char path[64];
    if (!test_shared("lora/llama/hf")) SKIP("no ../shared");
    check_logits(test_shared("lora/llama/hf"), "llama");
    check_logits(test_shared("lora/qwen3/hf"), "qwen3");
    for (size_t i = 0; i < FT__COUNT(made); i++) {
        ft__gguf g;
        ft_error err;
        snprintf(path, sizeof path, "logits/%s.gguf", made[i]);
        if (!CHECK_OK(ft__gguf_open(&g, test_shared(path), NULL, &err), err)) return;
        folder *f = folder_of(&g, "model", NULL);
        write_tensors(f, 2);
        write_in(f, "generation_config.json", "{\"eos_token_id\":[2,5]}");
        check_logits(f->path, made[i]);
        free_folder(f);
        ft__gguf_close(&g);
    }
}

/* ---- tokenizers */

/* The smallest llama with so many rows in its embedding. */
static folder *small_folder(size_t n_vocab) {
    static const struct {
        const char *name;
        int rows, cols;
    } parts[] = {
        {"self_attn.q_proj", 4, 4}, {"self_attn.k_proj", 4, 4}, {"self_attn.v_proj", 4, 4},
        {"self_attn.o_proj", 4, 4}, {"mlp.gate_proj", 4, 4}, {"mlp.up_proj", 4, 4}, {"mlp.down_proj", 4, 4},
        {"input_layernorm", 0, 4}, {"post_attention_layernorm", 0, 4},
    };
    folder *f = new_folder("small");
    add_tensor(f, "model.embed_tokens.weight", "BF16", n_vocab, 4);
    add_tensor(f, "model.norm.weight", "BF16", 0, 4);
    for (size_t i = 0; i < FT__COUNT(parts); i++) {
        char name[128];
        snprintf(name, sizeof name, "model.layers.0.%s.weight", parts[i].name);
        add_tensor(f, name, "BF16", (uint64_t)parts[i].rows, (uint64_t)parts[i].cols);
    }
    write_tensors(f, 1);
    write_in(f, "config.json",
             "{\"model_type\":\"llama\",\"hidden_size\":4,\"num_hidden_layers\":1,\"intermediate_size\":4,"
             "\"num_attention_heads\":2,\"max_position_embeddings\":64,\"rms_norm_eps\":1e-5}");
    return f;
}

static void check_vectors(ft__gguf *g, const char *file) {
    char path[64];
    size_t n = 0, n_right = 0, n_all = 0;
    ft_error err;
    ft__vocab *v = NULL;
    ft__jsonl lines;
    ft__arena arena;
    snprintf(path, sizeof path, "tokenizers/%s.ext.jsonl", file);
    char *text = test_read(test_shared(path), &n);
    if (!CHECK(text) || !CHECK_OK(ft__vocab_load(&v, g, NULL, &err), err)) return;
    ft__jsonl_init(&lines, text, n, file);
    for (;;) {
        ft__json *row;
        ft__arena_init(&arena, NULL);
        if (!CHECK_OK(ft__jsonl_next(&lines, &arena, &row, &err), err) || !row) break;
        const ft__json *input = ft__json_get(row, "text");
        for (int special = 0; special < 2; special++) {
            static int32_t ids[1 << 16];
            size_t n_ids = 0, i = 0;
            const ft__json *want = ft__json_get(row, special ? "ids_special" : "ids");
            unsigned flags = FT_TOKENIZE_PLAIN | (special ? (unsigned)FT_TOKENIZE_PARSE_SPECIAL : 0);
            ft_status status =
                ft__vocab_tokenize(v, input->text, input->text_len, flags, ids, 1 << 16, &n_ids, &err);
            bool same = !status && n_ids == want->count;
            for (const ft__json *id = want->child; id && same; id = id->next) same = ids[i++] == (int)id->number;
            n_right += same;
            n_all++;
        }
        ft__arena_free(&arena);
    }
    ft__arena_free(&arena);
    CHECK(n_all > 0);
    CHECK_INT(n_right, n_all);
    ft__vocab_free(v);
    free(text);
}

static void check_pre(const ft__gguf *g, const char *expected) {
    ft__gguf_str pre = {"", 0};
    char text[64];
    ft__gguf_string(g, "tokenizer.ggml.pre", &pre, NULL);
    snprintf(text, sizeof text, "%.*s", (int)pre.len, pre.data);
    CHECK_TEXT(text, expected);
}

/* Every list of patterns as a sequence of splits, which is how most files have it. */
static void pretok_text(ft__buf *b, const ft__json *patterns) {
    ft__json_writer w;
    ft__buf_text(b, "{\"type\":\"Sequence\",\"pretokenizers\":[");
    for (const ft__json *p = patterns->child; p; p = p->next) {
        ft__buf_text(b, "{\"type\":\"Split\",\"pattern\":{\"Regex\":");
        ft__json_writer_init(&w, b, 0);
        ft__json_string(&w, p->text, p->text_len);
        ft__buf_text(b, "},\"behavior\":\"Isolated\",\"invert\":false},");
    }
    ft__buf_text(b, "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]}");
}

static const ft__json *read_patterns(ft__arena *arena) {
    size_t n = 0;
    ft_error err;
    ft__json *all = NULL;
    char *text = test_read(test_shared("tokenizers/pretokenizers.json"), &n);
    CHECK_OK(ft__json_parse(text, n, "pretokenizers.json", 1, arena, &all, &err), err);
    free(text);
    return all;
}

#define BYTE_LEVEL(regex) "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":" regex "}"

TEST(hf, tokenizes_as_the_vocabulary_it_came_from) {
    static const struct {
        const char *file, *pre, *normalizer, *pretok, *post, *model;
    } rows[] = {
        {"gpt-2", "gpt-2", "null", BYTE_LEVEL("true"), "null", ""},
        {"starcoder", "starcoder", "null",
         "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\",\"individual_digits\":true},"
         BYTE_LEVEL("true") "]}", "null", ""},
        {"falcon", "falcon", "null",
         "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Punctuation\",\"behavior\":\"Contiguous\"},"
         BYTE_LEVEL("true") ",{\"type\":\"Digits\",\"individual_digits\":false},{\"type\":\"Split\",\"pattern\":"
         "{\"Regex\":\"[0-9][0-9][0-9]\"},\"behavior\":\"Isolated\",\"invert\":false}]}", "null", ""},
        {"llama-bpe", "llama-bpe", "null", NULL, BOS_BEFORE("<|begin_of_text|>"), "\"ignore_merges\":true,"},
        {"qwen2", "qwen2", "{\"type\":\"NFC\"}", NULL, BYTE_LEVEL("false"), ""},
        {"deepseek-coder", "deepseek-coder", "null", NULL, "null", ""},
        {"deepseek-llm", "deepseek-llm", "{\"type\":\"Sequence\",\"normalizers\":[]}", NULL, "null", ""},
    };
    ft__arena arena;
    if (!test_shared("tokenizers/pretokenizers.json")) SKIP("no ../shared");
    ft__arena_init(&arena, NULL);
    const ft__json *patterns = read_patterns(&arena);
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        char path[64];
        ft__gguf g, got;
        ft_error err;
        ft__buf b;
        ft__buf_init(&b, NULL);
        tokenizer_text how = {rows[i].normalizer, rows[i].pretok, rows[i].post, rows[i].model, i % 2 != 0, false};
        if (!how.pre_tokenizer) {
            pretok_text(&b, ft__json_get(ft__json_get(patterns, rows[i].pre), "regex"));
            how.pre_tokenizer = b.data;
        }
        snprintf(path, sizeof path, "tokenizers/ggml-vocab-%s.gguf", rows[i].file);
        if (!CHECK_OK(ft__gguf_open(&g, test_shared(path), NULL, &err), err)) return;
        const ft__gguf_kv *tokens = ft__gguf_key(&g, "tokenizer.ggml.tokens");
        folder *f = small_folder((size_t)tokens->count);
        write_tokenizer(f, &g, &how);
        if (CHECK_OK(ft__hf_open(&got, f->path, NULL, &err), err)) {
            check_pre(&got, rows[i].pre);
            CHECK_INT(ft__gguf_key(&got, "tokenizer.ggml.tokens")->count, tokens->count);
            CHECK_INT(ft__gguf_key(&got, "tokenizer.ggml.merges")->count,
                      ft__gguf_key(&g, "tokenizer.ggml.merges")->count);
            bool add_bos = false;
            CHECK_OK(ft__gguf_bool(&got, "tokenizer.ggml.add_bos_token", &add_bos, &err), err);
            CHECK(add_bos == (strcmp(rows[i].file, "llama-bpe") == 0));
            check_vectors(&got, rows[i].file);
            ft__gguf_close(&got);
        }
        ft__buf_free(&b);
        free_folder(f);
        ft__gguf_close(&g);
    }
    ft__arena_free(&arena);
}

TEST(hf, tokenizes_as_sentencepiece) {
    static const char *const files[] = {"llama-spm", "phi-3", "synth-gemma3"};
    char path[64];
    if (!test_shared("tokenizers/pretokenizers.json")) SKIP("no ../shared");
    for (size_t i = 0; i < FT__COUNT(files); i++) {
        ft__gguf g, got;
        ft_error err;
        tokenizer_text how = i == 2 ? sp_gemma : sp_llama;
        how.rstrip = i == 1;
        if (i == 2) how.post_processor = BOS_BEFORE("<bos>");
        snprintf(path, sizeof path, "tokenizers/ggml-vocab-%s.gguf", files[i]);
        if (!CHECK_OK(ft__gguf_open(&g, test_shared(path), NULL, &err), err)) return;
        folder *f = small_folder((size_t)ft__gguf_key(&g, "tokenizer.ggml.tokens")->count);
        write_tokenizer(f, &g, &how);
        if (CHECK_OK(ft__hf_open(&got, f->path, NULL, &err), err)) {
            check_vectors(&got, files[i]);
            ft__gguf_close(&got);
        }
        free_folder(f);
        ft__gguf_close(&g);
    }
}

/* ---- config.json */

static ft__gguf tiny_file;

/* The folder of a tiny llama, its config.json ending with `more`, which goes before what it had. */
static folder *tiny_folder(const char *more) {
    tiny_model m = tiny();
    ft_error err;
    m.n_layers = 2;
    tiny_write_model(test_path("tiny.gguf"), &m);
    if (ft__gguf_open(&tiny_file, test_path("tiny.gguf"), NULL, &err)) abort();
    folder *f = folder_of(&tiny_file, "tiny", more);
    write_tokenizer(f, &tiny_file, &sp_llama);
    write_tensors(f, 1);
    return f;
}

static void drop_folder(folder *f) {
    free_folder(f);
    ft__gguf_close(&tiny_file);
}

static void check_folder_refused(const folder *f, ft_status expected, const char *needle) {
    ft__gguf g;
    ft_error err = {FT_OK, "", ""};
    test_memory memory = {0, 0, 0};
    ft_allocator a = test_allocator(&memory);
    ft_status status = ft__hf_open(&g, f->path, &a, &err);
    CHECK_ERROR(status, expected, err, needle);
    if (!status) ft__gguf_close(&g);
    CHECK_INT(memory.live, 0);
}

TEST(hf, refuses_what_config_says) {
    static const struct {
        const char *more;
        ft_status status;
        const char *needle;
    } rows[] = {
        {"\"model_type\":\"mamba\"", FT_ERR_UNSUPPORTED, "config.json: model_type: \"mamba\" is not in this version"},
        {"\"model_type\":null", FT_ERR_FORMAT, "model_type: is missing"},
        {"\"hidden_size\":null", FT_ERR_FORMAT, "config.json: hidden_size: is missing"},
        {"\"hidden_size\":\"64\"", FT_ERR_FORMAT, "hidden_size: must be an integer from 1 to 1048576, found string"},
        {"\"hidden_size\":-64", FT_ERR_FORMAT, "found -64"},
        {"\"hidden_size\":1e300", FT_ERR_FORMAT, "found 1e300"},
        {"\"num_key_value_heads\":3", FT_ERR_FORMAT, "num_attention_heads: 4 heads of 16 over 3 KV heads"},
        {"\"num_key_value_heads\":8", FT_ERR_FORMAT, "num_key_value_heads: must be an integer from 1 to 4"},
        {"\"head_dim\":15", FT_ERR_FORMAT, "expected an even size"},
        {"\"rms_norm_eps\":true", FT_ERR_FORMAT, "rms_norm_eps: must be a number"},
        {"\"rms_norm_eps\":-1e-5", FT_ERR_FORMAT, "config.json: rms_norm_eps: must be a number from 0 to 1"},
        {"\"hidden_act\":\"relu\"", FT_ERR_UNSUPPORTED, "hidden_act: found \"relu\", expected \"silu\""},
        {"\"quantization_config\":{\"quant_method\":\"gptq\"}", FT_ERR_UNSUPPORTED, "quantised by \"gptq\""},
        {"\"rope_theta\":0.5", FT_ERR_FORMAT, "rope_theta"},
        {"\"rope_scaling\":{\"rope_type\":\"mrope\"}", FT_ERR_UNSUPPORTED, "rope type \"mrope\""},
        {"\"rope_scaling\":{\"rope_type\":\"longrope\"}", FT_ERR_UNSUPPORTED, "rope type \"longrope\""},
        {"\"rope_scaling\":{\"type\":\"linear\"}", FT_ERR_FORMAT, "linear needs a factor"},
        {"\"rope_scaling\":\"linear\"", FT_ERR_FORMAT, "rope_scaling: must be an object, found string"},
        {"\"rope_scaling\":{\"type\":\"yarn\",\"factor\":\"4\"}", FT_ERR_FORMAT, "factor must be a number"},
        {"\"text_config\":1", FT_ERR_FORMAT, "text_config: must be an object"},
        {"\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4,\"beta_fast\":16}", FT_ERR_UNSUPPORTED, "beta_fast 32"},
        {"\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4,\"attention_factor\":0}", FT_ERR_FORMAT,
         "attention_factor: must be a number over 0"},
        {"\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4,\"mscale\":1}", FT_ERR_UNSUPPORTED,
         "mscale: is not in this version"},
        {"\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8}", FT_ERR_FORMAT, "llama3 needs"},
        {"\"layer_types\":[\"full_attention\"]", FT_ERR_FORMAT, "one entry for each of 2 layers"},
        {"\"layer_types\":[\"full_attention\",\"linear_attention\"]", FT_ERR_UNSUPPORTED, "linear_attention"},
        {"\"tie_word_embeddings\":1", FT_ERR_FORMAT, "tie_word_embeddings: must be true or false"},
        /* it disagrees with the tensors */
        {"\"hidden_size\":32,\"head_dim\":16", FT_ERR_FORMAT,
         "model.safetensors: model.embed_tokens.weight: 2 dimensions [382, 64], but config.json makes it [382, 32]"},
        {"\"vocab_size\":400", FT_ERR_FORMAT, "model.embed_tokens.weight: 2 dimensions [382, 64]"},
        {"\"intermediate_size\":96", FT_ERR_FORMAT, "model.layers.0.mlp.gate_proj.weight"},
        {"\"num_key_value_heads\":4", FT_ERR_FORMAT, "model.layers.0.self_attn.k_proj.weight"},
        {"\"num_hidden_layers\":3", FT_ERR_FORMAT,
         "model.layers.2.input_layernorm.weight: the tensor is missing, config.json wants it"},
        {"\"num_hidden_layers\":1", FT_ERR_UNSUPPORTED, "model.layers.1.input_layernorm.weight: config.json leaves"},
        {"\"attention_bias\":true", FT_ERR_FORMAT, "self_attn.q_proj.bias: the tensor is missing"},
        {"\"model_type\":\"qwen3\",\"head_dim\":16", FT_ERR_FORMAT, "self_attn.q_norm.weight: the tensor is missing"},
        {"\"model_type\":\"gemma2\",\"query_pre_attn_scalar\":100,\"hidden_act\":\"gelu_pytorch_tanh\"", FT_ERR_UNSUPPORTED,
         "query_pre_attn_scalar: found 100, this version computes with 256"},
        {"\"model_type\":\"smollm3\",\"no_rope_layers\":[1,0]", FT_ERR_UNSUPPORTED, "no_rope_layers: [1]"},
        {"\"model_type\":\"qwen3_moe\",\"num_experts\":4,\"num_experts_per_tok\":2,\"moe_intermediate_size\":32",
         FT_ERR_UNSUPPORTED, "norm_topk_prob: must be true"},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        folder *f = tiny_folder(rows[i].more);
        check_folder_refused(f, rows[i].status, rows[i].needle);
        drop_folder(f);
    }
}

/* Opens a tiny folder with `more` in config.json; the caller closes after true. */
static bool open_tiny(ft__gguf *g, const char *more) {
    ft_error err;
    folder *f = tiny_folder(more);
    bool ok = CHECK_OK(ft__hf_open(g, f->path, NULL, &err), err);
    drop_folder(f);
    return ok;
}

TEST(hf, computes_the_factors_of_llama_3) {
    /* by hand in Python, from the published rule */
    static const float want[8] = {1, 1, 1, 1.7096465129737741f, 8, 8, 8, 8};
    ft__gguf g;
    if (!open_tiny(&g, "\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":1.0,"
                       "\"high_freq_factor\":4.0,\"original_max_position_embeddings\":512},\"rope_theta\":10000"))
        return;
    const ft__gguf_tensor *t = ft__gguf_find(&g, "rope_freqs.weight");
    if (CHECK(t) && CHECK_INT(t->ne[0], 8))
        for (int i = 0; i < 8; i++) {
            float v;
            memcpy(&v, t->data + 4 * i, 4);
            CHECK_NEAR(v, want[i], 1e-6);
        }
    CHECK(!ft__gguf_key(&g, "llama.rope.scaling.type"));
    ft__gguf_close(&g);
}

TEST(hf, reads_the_forms_of_rope) {
    ft__gguf g;
    ft__gguf_str type = {"", 0};
    if (open_tiny(&g, "\"rope_theta\":null,\"rope_parameters\":{\"rope_theta\":5e5,\"rope_type\":\"linear\",\"factor\":4}")) {
        ft__gguf_string(&g, "llama.rope.scaling.type", &type, NULL);
        CHECK(ft__text_equal(type.data, type.len, "linear", 6));
        CHECK_NEAR(float_of(&g, "llama", "rope.freq_base", 0), 5e5, 0);
        CHECK_NEAR(float_of(&g, "llama", "rope.scaling.factor", 0), 4, 0);
        ft__gguf_close(&g);
    }
    if (open_tiny(&g, "\"rope_scaling\":{\"rope_type\":\"dynamic\",\"factor\":4}")) {
        CHECK(!ft__gguf_key(&g, "llama.rope.scaling.type"));
        CHECK(!ft__gguf_key(&g, "llama.rope.scaling.factor"));
        ft__gguf_close(&g);
    }
    if (open_tiny(&g, "\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4,\"original_max_position_embeddings\":32}")) {
        CHECK_INT(key_of(&g, "llama", "rope.scaling.original_context_length", 0), 32);
        CHECK(!ft__gguf_key(&g, "llama.rope.scaling.attn_factor"));
        ft__gguf_close(&g);
    }
    /* of the stretch by 1 + 0.1 ln 4 that an architecture makes, what leads to 1.5 */
    if (open_tiny(&g, "\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4,\"attention_factor\":1.5}")) {
        CHECK_NEAR(float_of(&g, "llama", "rope.scaling.attn_factor", 0), 1.5 / 1.1386294361119891, 1e-6);
        ft__gguf_close(&g);
    }
}

/* Where the architecture has no windows the context ends with the window: up to there nothing differs. */
TEST(hf, ends_the_context_with_the_window) {
    static const struct {
        const char *more;
        int n_ctx;
    } rows[] = {
        {"\"model_type\":\"mistral\",\"sliding_window\":48", 48},
        {"\"model_type\":\"mistral\",\"sliding_window\":null", 128},
        {"\"model_type\":\"mistral\",\"sliding_window\":4096", 128},
        {"\"sliding_window\":48,\"layer_types\":[\"full_attention\",\"full_attention\"]", 128},
        {"\"model_type\":\"smollm3\",\"sliding_window\":48", 128}, /* it asks use_sliding_window */
        {"\"model_type\":\"smollm3\",\"sliding_window\":48,\"use_sliding_window\":true", 48},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        ft__gguf g;
        if (!open_tiny(&g, rows[i].more)) continue;
        CHECK_INT(key_of(&g, strstr(rows[i].more, "smollm3") ? "smollm3" : "llama", "context_length", 0),
                  rows[i].n_ctx);
        ft__gguf_close(&g);
    }
}

/* The language model inside a model with a vision tower: nested settings, longer names, parts left out. */
TEST(hf, finds_the_language_model_inside) {
    ft__gguf g;
    ft_error err;
    size_t n;
    folder *f = tiny_folder(NULL);
    char *config = test_read(in_folder(f, "config.json"), &n);
    ft__buf b;
    ft__buf_init(&b, NULL);
    ft__buf_printf(&b, "{\"model_type\":\"llava\",\"tie_word_embeddings\":false,\"text_config\":%s}", config);
    write_in(f, "config.json", b.data);
    for (int i = 0; i < f->n_tensors; i++) {
        char name[128];
        snprintf(name, sizeof name, "language_model.%.100s", f->tensors[i].name);
        snprintf(f->tensors[i].name, sizeof f->tensors[i].name, "%s", name);
    }
    add_tensor(f, "vision_tower.x.weight", "F32", 2, 2);
    write_tensors(f, 2);
    if (CHECK_OK(ft__hf_open(&g, f->path, NULL, &err), err)) {
        CHECK_INT(g.n_tensors, tiny_file.n_tensors);
        CHECK(ft__gguf_find(&g, "output.weight"));
        ft__gguf_close(&g);
    }
    ft__buf_free(&b);
    free(config);
    drop_folder(f);
}

/* ---- files */

TEST(hf, refuses_missing_and_wrong_files) {
    ft_error err;
    ft__gguf g;
    char text[512];
    folder *f = tiny_folder(NULL);
    CHECK(ft__is_folder(f->path));
    CHECK(!ft__is_folder(in_folder(f, "config.json")));
    CHECK_ERROR(ft__hf_open(&g, "/nowhere", NULL, &err), FT_ERR_NOT_FOUND, err,
                "/nowhere/config.json: the file is missing");
    unlink(in_folder(f, "model.safetensors"));
    check_folder_refused(f, FT_ERR_NOT_FOUND, "neither this file nor model.safetensors.index.json");
    write_tensors(f, 2);
    unlink(in_folder(f, "model-00002-of-00002.safetensors"));
    check_folder_refused(f, FT_ERR_NOT_FOUND,
                         "model-00002-of-00002.safetensors: the file is missing, model.safetensors.index.json names it");
    write_tensors(f, 2);
    write_shard(f, "model-00002-of-00002.safetensors", f->n_tensors - 1, 1);
    check_folder_refused(f, FT_ERR_FORMAT, "the tensor is missing, model.safetensors.index.json puts it here");
    write_shard(f, "model-00002-of-00002.safetensors", 0, f->n_tensors);
    check_folder_refused(f, FT_ERR_FORMAT, "the tensor is in model-0000");
    snprintf(text, sizeof text, "{\"weight_map\":{\"a\":\"../tiny/model.safetensors\"}}");
    write_in(f, "model.safetensors.index.json", text);
    check_folder_refused(f, FT_ERR_FORMAT, "a: must be the name of a file in the folder");
    write_in(f, "model.safetensors.index.json", "{\"weight_map\":{\"a\":3}}");
    check_folder_refused(f, FT_ERR_FORMAT, "a: must be the name of a file in the folder");
    write_in(f, "model.safetensors.index.json", "{\"weight_map\":[]}");
    check_folder_refused(f, FT_ERR_FORMAT, "weight_map: must be an object");
    write_in(f, "model.safetensors.index.json", "{\"weight_map\":{}}");
    check_folder_refused(f, FT_ERR_FORMAT, "model.embed_tokens.weight: the tensor is missing");
    write_tensors(f, 1);
    write_in(f, "config.json", "{\"model_type\":");
    check_folder_refused(f, FT_ERR_FORMAT, "config.json:1");
    write_in(f, "config.json", "[]");
    check_folder_refused(f, FT_ERR_FORMAT, "config.json: must hold an object, found array");
    drop_folder(f);
}

TEST(hf, refuses_wrong_tensors) {
    folder *f = tiny_folder(NULL);
    out_tensor *t = tensor_of(f, "model.layers.1.self_attn.v_proj.weight");
    t->dtype = "I32";
    write_tensors(f, 1);
    check_folder_refused(f, FT_ERR_UNSUPPORTED,
                         "model.layers.1.self_attn.v_proj.weight: dtype I32 is not in this version");
    t->dtype = "F32";
    add_tensor(f, "model.layers.1.self_attn.extra", "F32", 0, 4);
    write_tensors(f, 1);
    check_folder_refused(f, FT_ERR_UNSUPPORTED, "model.layers.1.self_attn.extra: config.json leaves no place");
    snprintf(f->tensors[f->n_tensors - 1].name, 128, "model.layers.1.self_attn.rotary_emb.inv_freq");
    write_tensors(f, 1);
    check_folder_refused(f, FT_OK, NULL);
    drop_folder(f);
}

/* Data at an odd address is copied to where kernels may read it. */
TEST(hf, takes_tensors_at_odd_addresses) {
    ft__gguf g;
    ft_error err;
    size_t n = 0;
    folder *f = tiny_folder(NULL);
    char *bytes = test_read(in_folder(f, "model.safetensors"), &n);
    uint64_t length;
    memcpy(&length, bytes, 8);
    char *odd = (char *)malloc(n + 1);
    if (!odd) abort();
    uint64_t longer = length + 1;
    memcpy(odd, &longer, 8);
    memcpy(odd + 8, bytes + 8, (size_t)length);
    odd[8 + length] = ' ';
    memcpy(odd + 9 + length, bytes + 8 + length, n - 8 - (size_t)length);
    test_write(in_folder(f, "model.safetensors"), odd, n + 1);
    if (CHECK_OK(ft__hf_open(&g, f->path, NULL, &err), err)) {
        for (size_t i = 0; i < g.n_tensors; i++) {
            CHECK((uintptr_t)g.tensors[i].data % 4 == 0);
            check_same_tensor(ft__gguf_find(&tiny_file, g.tensors[i].name), &g.tensors[i], true);
        }
        ft__gguf_close(&g);
    }
    free(odd);
    free(bytes);
    drop_folder(f);
}

/* A head that is there counts unless config.json says that it is the embedding. */
TEST(hf, ties_the_head_where_config_says_so) {
    ft__gguf g;
    if (open_tiny(&g, "\"tie_word_embeddings\":true")) {
        CHECK(!ft__gguf_find(&g, "output.weight"));
        ft__gguf_close(&g);
    }
    if (open_tiny(&g, "\"tie_word_embeddings\":null")) {
        CHECK(ft__gguf_find(&g, "output.weight"));
        ft__gguf_close(&g);
    }
}

/* ---- tokenizer files */

static int64_t int_key(const ft__gguf *g, const char *key) {
    int64_t value = -1;
    ft__gguf_int(g, key, INT64_MIN, INT64_MAX, &value, NULL);
    return value;
}

static bool bool_key(const ft__gguf *g, const char *key) {
    bool value = false;
    ft__gguf_bool(g, key, &value, NULL);
    return value;
}

TEST(hf, reads_special_tokens_and_templates) {
    ft__gguf g;
    ft_error err;
    ft__gguf_str text = {"", 0};
    folder *f = tiny_folder("\"eos_token_id\":7,\"pad_token_id\":9,\"bos_token_id\":5");
    write_in(f, "generation_config.json", "{\"eos_token_id\":[2,5,6]}");
    write_in(f, "tokenizer_config.json",
             "{\"bos_token\":null,\"eos_token\":\"</s>\",\"tokenizer_class\":\"LlamaTokenizerFast\",\"add_bos_token\":false,"
             "\"chat_template\":[{\"name\":\"default\",\"template\":\"D\"},{\"name\":\"rag\",\"template\":\"RR\"}]}");
    if (CHECK_OK(ft__hf_open(&g, f->path, NULL, &err), err)) {
        CHECK_INT(int_key(&g, "tokenizer.ggml.bos_token_id"), 5);
        CHECK_INT(int_key(&g, "tokenizer.ggml.eos_token_id"), 2);
        CHECK_INT(int_key(&g, "tokenizer.ggml.eot_token_id"), 5);
        CHECK_INT(int_key(&g, "tokenizer.ggml.eom_token_id"), 6);
        CHECK_INT(int_key(&g, "tokenizer.ggml.padding_token_id"), 9);
        CHECK(!bool_key(&g, "tokenizer.ggml.add_bos_token"));
        ft__gguf_string(&g, "tokenizer.chat_template.rag", &text, NULL);
        CHECK(ft__text_equal(text.data, text.len, "RR", 2));
        ft__gguf_string(&g, "tokenizer.chat_template", &text, NULL);
        CHECK(ft__text_equal(text.data, text.len, "D", 1));
        ft__gguf_close(&g);
    }
    write_in(f, "chat_template.jinja", "{{ x }}\n");
    write_in(f, "tokenizer_config.json", "{\"eos_token\":\"</s>\",\"chat_template\":\"old\"}");
    if (CHECK_OK(ft__hf_open(&g, f->path, NULL, &err), err)) {
        ft__gguf_string(&g, "tokenizer.chat_template", &text, NULL);
        CHECK(ft__text_equal(text.data, text.len, "{{ x }}\n", 8));
        CHECK_INT(int_key(&g, "tokenizer.ggml.bos_token_id"), 1); /* what the post-processor puts there */
        CHECK(bool_key(&g, "tokenizer.ggml.add_bos_token"));
        CHECK(!bool_key(&g, "tokenizer.ggml.add_eos_token"));
        ft__gguf_close(&g);
    }
    write_in(f, "tokenizer_config.json", "{\"eos_token\":\"<nope>\"}");
    check_folder_refused(f, FT_ERR_FORMAT, "tokenizer_config.json: eos_token: \"<nope>\" is not in the vocabulary");
    write_in(f, "tokenizer_config.json", "{}");
    write_in(f, "generation_config.json", "{\"eos_token_id\":[1,2,3,4,5,6,8]}");
    check_folder_refused(f, FT_ERR_UNSUPPORTED, "generation_config.json: eos_token_id: more than 6 tokens");
    write_in(f, "generation_config.json", "{\"eos_token_id\":5000}");
    check_folder_refused(f, FT_ERR_FORMAT, "generation_config.json: eos_token_id: must be ids from 0 to 381");
    drop_folder(f);
}

/* A small tokenizer.json: a head with %s for vocab and merges, in a model of 8 rows. */
static folder *tokenizer_folder(const char *normalizer, const char *pretok, const char *model, const char *more) {
    folder *f = small_folder(8);
    ft__buf b;
    ft__buf_init(&b, NULL);
    ft__buf_printf(&b, "{\"normalizer\":%s,\"pre_tokenizer\":%s,\"model\":%s%s}", normalizer, pretok, model, more);
    write_in(f, "tokenizer.json", b.data);
    ft__buf_free(&b);
    return f;
}

#define BPE(vocab, merges) "{\"type\":\"BPE\",\"vocab\":{" vocab "},\"merges\":[" merges "]}"
#define SP(vocab, merges) "{\"byte_fallback\":true,\"unk_token\":\"a\",\"vocab\":{" vocab "},\"merges\":[" merges "]}"
#define AB "\"a\":0,\"b\":1,\"ab\":2"
#define ABC "\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"abc\":4,\"bc\":5"
#define GPT2 BYTE_LEVEL("true")

TEST(hf, refuses_unknown_tokenizers) {
    static const struct {
        const char *normalizer, *pretok, *model, *more;
        ft_status status;
        const char *needle;
    } rows[] = {
        {"null", GPT2, BPE(AB, "\"a b\""), "", FT_OK, NULL},
        {"null", GPT2, BPE(AB, "[\"a\",\"b\"]"), "", FT_OK, NULL},
        {"null",
         "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"'s|'t|'re|'ve|'m|'ll|'d|"
         " ?\\\\p{L}+| ?\\\\p{N}+| ?[^\\\\s\\\\p{L}\\\\p{N}]+|\\\\s+(?!\\\\S)|\\\\s+\"},\"behavior\":\"Removed\","
         "\"invert\":true}," BYTE_LEVEL("false") "]}", BPE(AB, ""), "", FT_OK, NULL},
        {"null", GPT2, "{\"type\":\"Unigram\"}", "", FT_ERR_UNSUPPORTED, "model.type: found \"Unigram\""},
        {"null", GPT2, "{\"vocab\":{},\"merges\":[],\"end_of_word_suffix\":\"</w>\"}", "", FT_ERR_UNSUPPORTED,
         "end_of_word_suffix"},
        {"null", GPT2, "{\"vocab\":[]}", "", FT_ERR_FORMAT, "model.vocab: must be an object"},
        {"null", GPT2, BPE("\"a\":8", ""), "", FT_ERR_FORMAT, "\"a\" must have an id from 0 to 7"},
        {"null", GPT2, BPE("\"a\":-1", ""), "", FT_ERR_FORMAT, "found -1"},
        {"null", GPT2, BPE("\"a\":1,\"b\":1", ""), "", FT_ERR_FORMAT, "\"a\" and \"b\" have the same id 1"},
        {"null", GPT2, BPE("\"a\":1,\"a\":2", ""), "", FT_ERR_FORMAT, "\"a\" has the ids 1 and 2"},
        {"null", GPT2, BPE(AB, "\"a c\""), "", FT_ERR_FORMAT, "model.merges: [0] must be"},
        {"null", GPT2, BPE(AB, "\"b a\""), "", FT_ERR_FORMAT, "model.merges: [0] must be"},
        {"null", GPT2, BPE(AB, "\"ab\""), "", FT_ERR_FORMAT, "model.merges: [0] must be"},
        {"null", GPT2, BPE(AB, "[\"a\"]"), "", FT_ERR_FORMAT, "model.merges: [0] must be"},
        {"null", GPT2, "{\"vocab\":{}}", "", FT_ERR_FORMAT, "model.merges: must be an array"},
        {"{\"type\":\"Lowercase\"}", GPT2, BPE(AB, ""), "", FT_ERR_UNSUPPORTED, "the normalizer Lowercase"},
        {"null", "null", BPE(AB, ""), "", FT_ERR_UNSUPPORTED, "pre_tokenizer: neither ByteLevel nor"},
        {"null", "{\"type\":\"Whitespace\"}", BPE(AB, ""), "", FT_ERR_UNSUPPORTED, "a step of type Whitespace"},
        {"null", "{\"type\":\"ByteLevel\",\"add_prefix_space\":true}", BPE(AB, ""), "", FT_ERR_UNSUPPORTED,
         "a step of type ByteLevel with these settings"},
        {"null",
         "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[a-z]+|x\"},"
         "\"behavior\":\"Isolated\",\"invert\":false}," BYTE_LEVEL("false") "]}", BPE(AB, ""), "", FT_ERR_UNSUPPORTED,
         "pre_tokenizer: the pattern is not in this version: [a-z]+|x"},
        {"null",
         "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"x\"},\"behavior\":\"MergedWithNext\",\"invert\":false}",
         BPE(AB, ""), "", FT_ERR_UNSUPPORTED, "a step of type Split"},
        {"null", GPT2, "{\"ignore_merges\":true,\"vocab\":{},\"merges\":[]}", "", FT_ERR_UNSUPPORTED,
         "model.ignore_merges true"},
        {SP_REPLACE, GPT2, BPE(AB, ""), "", FT_ERR_UNSUPPORTED, "ByteLevel and U+2581 together"},
        {"null", GPT2, BPE(AB, ""), ",\"added_tokens\":[{\"id\":3,\"content\":\"<x>\",\"lstrip\":true}]",
         FT_ERR_UNSUPPORTED, "\"<x>\" has lstrip"},
        {"null", GPT2, BPE(AB, ""), ",\"added_tokens\":[{\"id\":3,\"content\":\"<x>\",\"rstrip\":true},"
         "{\"id\":4,\"content\":\"<y>\"}]", FT_ERR_UNSUPPORTED, "rstrip of \"<y>\""},
        {"null", GPT2, BPE(AB, ""), ",\"added_tokens\":[{\"id\":1,\"content\":\"<x>\"}]", FT_ERR_FORMAT,
         "\"b\" and \"<x>\" have the same id 1"},
        {"null", GPT2, BPE(AB, ""), ",\"added_tokens\":[{\"id\":\"1\"}]", FT_ERR_FORMAT, "added_tokens: each must"},
        {"null", GPT2, BPE(AB, ""), ",\"post_processor\":{\"type\":\"RobertaProcessing\"}", FT_ERR_UNSUPPORTED,
         "post_processor: the type RobertaProcessing"},
        {"null", GPT2, BPE(AB, ""), ",\"post_processor\":" BOS_BEFORE("<nope>"), FT_ERR_UNSUPPORTED,
         "at most one token of the vocabulary"},
        /* SentencePiece */
        {SP_REPLACE, "null", SP(ABC, "\"a b\",\"ab c\",\"a bc\",\"b c\""), "", FT_OK, NULL},
        {SP_REPLACE, "null", SP(ABC, "\"a b\",\"ab c\",\"b c\",\"a bc\""), "", FT_ERR_UNSUPPORTED,
         "model.merges: [3] makes \"abc\" again, after others"},
        {SP_REPLACE, "null", SP(ABC, "\"a b\",\"ab c\",\"b c\""), "", FT_ERR_UNSUPPORTED,
         "\"abc\" can be made in 2 ways, but there are 1 merges"},
        {SP_REPLACE, "null", SP(ABC, "\"a b\",\"b c\""), "", FT_ERR_UNSUPPORTED, "\"abc\" can be made in 2 ways"},
        {SP_REPLACE, "null", BPE(AB, "\"a b\""), "", FT_ERR_UNSUPPORTED, "model.byte_fallback: must be true"},
        {"{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"}," SP_REPLACE "]}", "null", SP(AB, "\"a b\""), "",
         FT_ERR_UNSUPPORTED, "blanks become U+2581 and texts are cut or normalised besides"},
        {"null", "{\"type\":\"Metaspace\",\"replacement\":\"\xE2\x96\x81\",\"prepend_scheme\":\"always\",\"split\":true}",
         SP(AB, "\"a b\""), "", FT_ERR_UNSUPPORTED, "a step of type Metaspace"},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        folder *f = tokenizer_folder(rows[i].normalizer, rows[i].pretok, rows[i].model, rows[i].more);
        check_folder_refused(f, rows[i].status, rows[i].needle);
        free_folder(f);
    }
}

TEST(hf, reads_added_tokens_and_fills_holes) {
    ft__gguf g;
    ft_error err;
    ft__gguf_str *tokens;
    folder *f = tokenizer_folder(
        "null",
        "{\"type\":\"Metaspace\",\"replacement\":\"\xE2\x96\x81\",\"prepend_scheme\":\"first\",\"split\":false}",
        SP(AB, "\"a b\""),
        ",\"added_tokens\":[{\"id\":4,\"content\":\"\xE2\x96\x81\xE2\x96\x81\"},{\"id\":5,\"content\":\"<s>\",\"special\":true},"
        "{\"id\":80,\"content\":\"<image>\"}]");
    if (CHECK_OK(ft__hf_open(&g, f->path, NULL, &err), err)) {
        const ft__gguf_kv *types = ft__gguf_key(&g, "tokenizer.ggml.token_type");
        const ft__gguf_kv *scores = ft__gguf_key(&g, "tokenizer.ggml.scores");
        static const int want[8] = {2, 1, 1, 5, 4, 3, 5, 5};
        CHECK_OK(ft__gguf_strings(&g, ft__gguf_key(&g, "tokenizer.ggml.tokens"), &tokens, &err), err);
        for (int i = 0; i < 8; i++) CHECK_INT(ft__gguf_int_at(types, (uint64_t)i), want[i]);
        CHECK(ft__text_equal(tokens[3].data, tokens[3].len, "[PAD3]", 6));
        CHECK(ft__text_equal(tokens[4].data, tokens[4].len, "  ", 2));
        CHECK(ft__gguf_number_at(scores, 2) > ft__gguf_number_at(scores, 0));
        CHECK(bool_key(&g, "tokenizer.ggml.add_space_prefix"));
        CHECK(bool_key(&g, "tokenizer.ft.space_prefix_once"));
        ft__gguf_close(&g);
    }
    free_folder(f);
}

/* Every published list of patterns that a folder can have is known by the name of its class. */
TEST(hf, knows_the_published_patterns) {
    static const struct {
        const char *name, *normalizer, *model, *expected;
    } rows[] = {
        {"gpt-2", "null", "", "gpt-2"}, {"gpt-2", "{\"type\":\"NFC\"}", "", "olmo"},
        {"starcoder", "null", "", "starcoder"}, {"starcoder", "{\"type\":\"NFC\"}", "", "command-r"},
        {"llama-bpe", "null", "\"ignore_merges\":true,", "llama-bpe"}, {"llama-bpe", "null", "", "smaug-bpe"},
        {"qwen2", "{\"type\":\"NFC\"}", "", "qwen2"}, {"qwen2", "null", "", "deepseek-r1-qwen"},
        {"qwen35", "{\"type\":\"NFC\"}", "", "qwen35"}, {"gpt-4o", "null", "", "gpt-4o"},
        {"gpt-4o", "null", "\"ignore_merges\":true,", "gpt-4o"},
        {"tekken", "null", "\"ignore_merges\":true,", "tekken"}, {"deepseek-llm", "null", "", "deepseek-llm"},
        {"deepseek-coder", "null", "", "deepseek-coder"}, {"deepseek-v3", "null", "", "deepseek-v3"},
        {"poro-chat", "null", "", "poro-chat"}, {"viking", "null", "", "viking"},
        {"bailingmoe", "null", "", "bailingmoe"}, {"seed-coder", "null", "", "seed-coder"},
        {"exaone-moe", "null", "", "exaone-moe"}, {"superbpe", "null", "", "superbpe"},
        {"tiny_aya", "{\"type\":\"NFC\"}", "", "tiny_aya"},
    };
    ft__arena arena;
    if (!test_shared("tokenizers/pretokenizers.json")) SKIP("no ../shared");
    ft__arena_init(&arena, NULL);
    const ft__json *patterns = read_patterns(&arena);
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        ft__gguf g;
        ft_error err;
        ft__buf b;
        char model[128];
        ft__buf_init(&b, NULL);
        pretok_text(&b, ft__json_get(ft__json_get(patterns, rows[i].name), "regex"));
        snprintf(model, sizeof model, "{%s\"vocab\":{" AB "},\"merges\":[\"a b\"]}", rows[i].model);
        folder *f = tokenizer_folder(rows[i].normalizer, b.data, model, "");
        if (CHECK_OK(ft__hf_open(&g, f->path, NULL, &err), err)) {
            check_pre(&g, rows[i].expected);
            CHECK(ft__pretok_find(rows[i].expected, strlen(rows[i].expected)));
            ft__gguf_close(&g);
        }
        ft__buf_free(&b);
        free_folder(f);
    }
    ft__arena_free(&arena);
}

/* Phi-3's way with white space is in the model's name, and only there. */
TEST(hf, names_phi_3_by_its_tokens) {
    ft__gguf g;
    ft_error err;
    ft__gguf_str name = {"", 0};
    for (int i = 0; i < 2; i++) {
        folder *f = tokenizer_folder("null", GPT2, BPE(AB, ""),
                                     i ? ",\"added_tokens\":[{\"id\":3,\"content\":\"<|end|>\",\"rstrip\":true,"
                                         "\"special\":true}]"
                                       : "");
        char from[256];
        snprintf(from, sizeof from, "%s", f->path);
        snprintf(f->path, sizeof f->path, "%s%s%d", test_path("my-"), i ? "tune" : "Phi-3-tune", i);
        CHECK_INT(rename(from, f->path), 0);
        if (CHECK_OK(ft__hf_open(&g, f->path, NULL, &err), err)) {
            ft__gguf_string(&g, "general.name", &name, NULL);
            CHECK(ft__text_equal(name.data, name.len, i ? "my-tune1 (phi-3)" : "my-_hi-3-tune0", i ? 16 : 14));
            ft__gguf_close(&g);
        }
        free_folder(f);
    }
}

/* ---- without memory */

TEST(hf, fails_cleanly_without_memory) {
    folder *f = tiny_folder("\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":1.0,"
                            "\"high_freq_factor\":4.0,\"original_max_position_embeddings\":512}");
    ft_status status = FT_ERR_MEMORY;
    long fail_at = 1;
    write_tensors(f, 3);
    write_in(f, "chat_template.jinja", "x");
    for (; status && fail_at < 2000; fail_at++) {
        test_memory memory = {0, 0, fail_at};
        ft_allocator a = test_allocator(&memory);
        ft__gguf g;
        ft_error err;
        status = ft__hf_open(&g, f->path, &a, &err);
        if (!status) ft__gguf_close(&g);
        else if (!CHECK_INT(status, FT_ERR_MEMORY)) test_note("at %ld: %s: %s", fail_at, err.where, err.message);
        CHECK_INT(memory.live, 0);
    }
    CHECK_INT(status, FT_OK);
    test_note("%ld requests", fail_at - 2);
    drop_folder(f);
}
