/* Hugging Face folders: their files, and tensors under the names and shapes that GGUF gives them.  What a tensor
   becomes is a row of ft__hf_tensor_rows.

   A folder is held to what it says: a tensor without a place is an error, so is one that is missing, and one
   whose shape is not what config.json makes of it.  Three things change bytes: rows of q and k move where the
   rotation pairs neighbours (Hugging Face pairs halves), norms of Gemma get the 1 added that its code adds, and
   experts are put into one tensor. */
#include "hf.h"

#include <sys/stat.h>

/* Of each layer: names after "model.layers.N." and after "blk.N.". */
static const ft__hf_tensor_row ft__hf_tensor_rows[] = {
    {"input_layernorm.weight", "attn_norm.weight", 0, FT__HF_NO_PRE, FT__HF_NORM, 0, FT__HF_D, 0},
    {"post_attention_layernorm.weight", "ffn_norm.weight", 0, FT__HF_POST_NORMS, FT__HF_NORM, 0, FT__HF_D,
     0},
    {"post_attention_layernorm.weight", "post_attention_norm.weight", FT__HF_POST_NORMS, 0, FT__HF_NORM, 0,
     FT__HF_D, 0},
    {"pre_feedforward_layernorm.weight", "ffn_norm.weight", FT__HF_POST_NORMS, FT__HF_NO_PRE, FT__HF_NORM, 0,
     FT__HF_D, 0},
    {"post_feedforward_layernorm.weight", "post_ffw_norm.weight", FT__HF_POST_NORMS, 0, FT__HF_NORM, 0,
     FT__HF_D, 0},
    {"self_attn.q_proj.weight", "attn_q.weight", 0, FT__HF_FUSED, FT__HF_MATRIX, FT__HF_Q, FT__HF_D,
     FT__HF_H},
    {"self_attn.k_proj.weight", "attn_k.weight", 0, FT__HF_FUSED, FT__HF_MATRIX, FT__HF_KV, FT__HF_D,
     FT__HF_HKV},
    {"self_attn.v_proj.weight", "attn_v.weight", 0, FT__HF_FUSED, FT__HF_MATRIX, FT__HF_KV, FT__HF_D, 0},
    {"self_attn.qkv_proj.weight", "attn_qkv.weight", FT__HF_FUSED, 0, FT__HF_MATRIX, FT__HF_QKV, FT__HF_D, 0},
    {"self_attn.o_proj.weight", "attn_output.weight", 0, 0, FT__HF_MATRIX, FT__HF_D, FT__HF_Q, 0},
    {"self_attn.q_proj.bias", "attn_q.bias", FT__HF_QKV_BIAS, 0, FT__HF_FLOATS, 0, FT__HF_Q, FT__HF_H},
    {"self_attn.k_proj.bias", "attn_k.bias", FT__HF_QKV_BIAS, 0, FT__HF_FLOATS, 0, FT__HF_KV, FT__HF_HKV},
    {"self_attn.v_proj.bias", "attn_v.bias", FT__HF_QKV_BIAS, 0, FT__HF_FLOATS, 0, FT__HF_KV, 0},
    {"self_attn.o_proj.bias", "attn_output.bias", FT__HF_O_BIAS, 0, FT__HF_FLOATS, 0, FT__HF_D, 0},
    {"self_attn.q_norm.weight", "attn_q_norm.weight", FT__HF_QK_NORM, 0, FT__HF_NORM, 0, FT__HF_HD, 0},
    {"self_attn.k_norm.weight", "attn_k_norm.weight", FT__HF_QK_NORM, 0, FT__HF_NORM, 0, FT__HF_HD, 0},
    {"self_attn.q_norm.weight", "attn_q_norm.weight", FT__HF_QK_WHOLE, 0, FT__HF_NORM, 0, FT__HF_Q, 0},
    {"self_attn.k_norm.weight", "attn_k_norm.weight", FT__HF_QK_WHOLE, 0, FT__HF_NORM, 0, FT__HF_KV, 0},
    {"mlp.gate_proj.weight", "ffn_gate.weight", 0, FT__HF_FUSED | FT__HF_EXPERTS, FT__HF_MATRIX, FT__HF_F,
     FT__HF_D, 0},
    {"mlp.up_proj.weight", "ffn_up.weight", 0, FT__HF_FUSED | FT__HF_EXPERTS, FT__HF_MATRIX, FT__HF_F,
     FT__HF_D, 0},
    {"mlp.gate_up_proj.weight", "ffn_up.weight", FT__HF_FUSED, 0, FT__HF_MATRIX, FT__HF_2F, FT__HF_D, 0},
    {"mlp.down_proj.weight", "ffn_down.weight", 0, FT__HF_EXPERTS, FT__HF_MATRIX, FT__HF_D, FT__HF_F, 0},
    {"mlp.gate_proj.bias", "ffn_gate.bias", FT__HF_FFN_BIAS, 0, FT__HF_FLOATS, 0, FT__HF_F, 0},
    {"mlp.up_proj.bias", "ffn_up.bias", FT__HF_FFN_BIAS, 0, FT__HF_FLOATS, 0, FT__HF_F, 0},
    {"mlp.down_proj.bias", "ffn_down.bias", FT__HF_FFN_BIAS, 0, FT__HF_FLOATS, 0, FT__HF_D, 0},
    {"block_sparse_moe.gate.weight", "ffn_gate_inp.weight", FT__HF_MIXTRAL, 0, FT__HF_FLOATS, FT__HF_E,
     FT__HF_D, 0},
    {"block_sparse_moe.experts.%d.w1.weight", "ffn_gate_exps.weight", FT__HF_MIXTRAL, 0, FT__HF_STACK,
     FT__HF_FE, FT__HF_D, 0},
    {"block_sparse_moe.experts.%d.w3.weight", "ffn_up_exps.weight", FT__HF_MIXTRAL, 0, FT__HF_STACK,
     FT__HF_FE, FT__HF_D, 0},
    {"block_sparse_moe.experts.%d.w2.weight", "ffn_down_exps.weight", FT__HF_MIXTRAL, 0, FT__HF_STACK,
     FT__HF_D, FT__HF_FE, 0},
    {"mlp.gate.weight", "ffn_gate_inp.weight", FT__HF_QWEN_MOE, 0, FT__HF_FLOATS, FT__HF_E, FT__HF_D, 0},
    {"mlp.experts.%d.gate_proj.weight", "ffn_gate_exps.weight", FT__HF_QWEN_MOE, 0, FT__HF_STACK, FT__HF_FE,
     FT__HF_D, 0},
    {"mlp.experts.%d.up_proj.weight", "ffn_up_exps.weight", FT__HF_QWEN_MOE, 0, FT__HF_STACK, FT__HF_FE,
     FT__HF_D, 0},
    {"mlp.experts.%d.down_proj.weight", "ffn_down_exps.weight", FT__HF_QWEN_MOE, 0, FT__HF_STACK, FT__HF_D,
     FT__HF_FE, 0},
};

static const ft__hf_tensor_row ft__hf_embedding = {
    "embed_tokens.weight", "token_embd.weight", 0, 0, FT__HF_MATRIX, FT__HF_V, FT__HF_D, 0};
static const ft__hf_tensor_row ft__hf_last_norm = {
    "norm.weight", "output_norm.weight", 0, 0, FT__HF_NORM, 0, FT__HF_D, 0};
static const ft__hf_tensor_row ft__hf_head = {
    "lm_head.weight", "output.weight", 0, 0, FT__HF_MATRIX, FT__HF_V, FT__HF_D, 0};

FT__PRIV const ft__hf_tensor_row *ft__hf_row_at(size_t i) {
    return i < FT__COUNT(ft__hf_tensor_rows) ? &ft__hf_tensor_rows[i] : NULL;
}

/* ---- files of the folder */

FT__PRIV ft_status ft__hf_fail(ft__hf *h, ft_status status, const char *file, const char *field,
                               const char *fmt, ...) {
    char where[384], message[384];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    snprintf(where, sizeof where, "%.200s/%.80s%s%.90s", h->folder, file, field ? ": " : "",
             field ? field : "");
    return ft__fail(h->err, status, where, "%s", message);
}

FT__PRIV ft_status ft__hf_text(ft__hf *h, const char *file, char **text, size_t *n) {
    struct stat st;
    ft__mapping m;
    const char *path = ft__path_join(&h->arena, h->folder, file);
    *text = NULL;
    *n = 0;
    if (!path) return ft__fail_memory(h->err);
    if (stat(path, &st) != 0) return FT_OK;
    ft_status status = ft__map_file(path, &m, h->err);
    if (status) return status;
    *text = ft__arena_text(&h->arena, (const char *)m.data, m.size);
    *n = m.size;
    ft__unmap(&m);
    return *text ? FT_OK : ft__fail_memory(h->err);
}

FT__PRIV ft_status ft__hf_json(ft__hf *h, const char *file, const ft__json **value) {
    struct stat st;
    ft__mapping m;
    ft__json *parsed = NULL;
    const char *path = ft__path_join(&h->arena, h->folder, file);
    *value = NULL;
    if (!path) return ft__fail_memory(h->err);
    if (stat(path, &st) != 0) return FT_OK;
    ft_status status = ft__map_file(path, &m, h->err);
    if (status) return status;
    status = ft__json_parse((const char *)m.data, m.size, path, 1, &h->arena, &parsed, h->err);
    ft__unmap(&m);
    if (!status && parsed->type != FT__JSON_OBJECT)
        status = ft__hf_fail(h, FT_ERR_FORMAT, file, NULL, "must hold an object, found %s",
                             ft__json_type_name(parsed->type));
    *value = parsed;
    return status;
}

FT__PRIV const ft__json *ft__hf_get(const ft__json *object, const char *key) {
    const ft__json *value = ft__json_get(object, key);
    return value && value->type != FT__JSON_NULL ? value : NULL;
}

/* ---- shards */

static ft_status ft__hf_add_shard(ft__hf *h, const char *file) {
    const char *path = ft__path_join(&h->arena, h->folder, file);
    if (!path) return ft__fail_memory(h->err);
    ft_status status =
        ft__safetensors_open(&h->shards[h->n_shards], path, &h->arena.allocator, h->err);
    if (!status) h->n_shards++;
    return status;
}

/* A shard's name must stay in the folder. */
static bool ft__hf_plain_name(const ft__json *name) {
    return name->type == FT__JSON_STRING && name->text_len > 0 && strlen(name->text) == name->text_len &&
           !strchr(name->text, '/') && name->text[0] != '.';
}

/* Opens the files that the index names, each once.  Their number is not known before: as tensors of a file
   come together, most are the one before. */
static ft_status ft__hf_open_index(ft__hf *h, const char *file, const ft__json *index) {
    const ft__json *map = ft__hf_get(index, "weight_map");
    const char **names;
    size_t n = 0;
    if (!map || map->type != FT__JSON_OBJECT)
        return ft__hf_fail(h, FT_ERR_FORMAT, file, "weight_map", "must be an object");
    names = (const char **)ft__arena_alloc(&h->arena, map->count, sizeof *names);
    if (!names) return ft__fail_memory(h->err);
    for (const ft__json *v = map->child; v; v = v->next) {
        size_t i = n;
        if (!ft__hf_plain_name(v))
            return ft__hf_fail(h, FT_ERR_FORMAT, file, v->key, "must be the name of a file in the folder");
        while (i > 0 && strcmp(names[i - 1], v->text) != 0) i--;
        if (i == 0) names[n++] = v->text;
        if (n > 4096) return ft__hf_fail(h, FT_ERR_LIMIT, file, "weight_map", "more than 4096 files");
    }
    h->shards = (ft__safetensors *)ft__arena_alloc(&h->arena, n, sizeof *h->shards);
    if (!h->shards) return ft__fail_memory(h->err);
    for (size_t i = 0; i < n; i++) {
        ft_status status = ft__hf_add_shard(h, names[i]);
        if (status == FT_ERR_NOT_FOUND)
            return ft__hf_fail(h, FT_ERR_NOT_FOUND, names[i], NULL, "the file is missing, %s names it", file);
        if (status) return status;
    }
    return FT_OK;
}

static int ft__hf_by_name(const void *a, const void *b) {
    return strcmp(((const ft__hf_tensor *)a)->name, ((const ft__hf_tensor *)b)->name);
}

FT__PRIV ft__hf_tensor *ft__hf_find(ft__hf *h, const char *name) {
    size_t lo = 0, hi = h->n_tensors;
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        int order = strcmp(h->tensors[middle].name, name);
        if (order == 0) return &h->tensors[middle];
        if (order < 0) lo = middle + 1;
        else hi = middle;
    }
    return NULL;
}

static ft_status ft__hf_list_tensors(ft__hf *h) {
    size_t n = 0;
    for (size_t i = 0; i < h->n_shards; i++) n += h->shards[i].n_tensors;
    h->tensors = (ft__hf_tensor *)ft__arena_alloc(&h->arena, n, sizeof *h->tensors);
    if (!h->tensors) return ft__fail_memory(h->err);
    for (size_t i = 0; i < h->n_shards; i++)
        for (size_t k = 0; k < h->shards[i].n_tensors; k++) {
            ft__hf_tensor *t = &h->tensors[h->n_tensors++];
            t->t = &h->shards[i].tensors[k];
            t->name = t->t->name;
            t->file = strrchr(h->shards[i].path, '/') + 1; /* the path was joined */
        }
    if (n) qsort(h->tensors, n, sizeof *h->tensors, ft__hf_by_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(h->tensors[i - 1].name, h->tensors[i].name) == 0)
            return ft__hf_fail(h, FT_ERR_FORMAT, h->tensors[i].file, h->tensors[i].name,
                               "the tensor is in %s too", h->tensors[i - 1].file);
    return FT_OK;
}

static ft_status ft__hf_check_index(ft__hf *h, const char *file, const ft__json *index) {
    for (const ft__json *v = ft__hf_get(index, "weight_map")->child; v; v = v->next) {
        const ft__hf_tensor *t = ft__hf_find(h, v->key);
        if (!t || strcmp(t->file, v->text) != 0)
            return ft__hf_fail(h, FT_ERR_FORMAT, v->text, v->key,
                               "the tensor is missing, %s puts it here", file);
    }
    return FT_OK;
}

FT__PRIV ft_status ft__hf_open_shards(ft__hf *h, const char *stem) {
    struct stat st;
    const ft__json *index = NULL;
    const char *file = ft__arena_printf(&h->arena, "%s.safetensors", stem);
    const char *index_file = ft__arena_printf(&h->arena, "%s.safetensors.index.json", stem);
    const char *one = file ? ft__path_join(&h->arena, h->folder, file) : NULL;
    if (!one || !index_file) return ft__fail_memory(h->err);
    const bool whole = stat(one, &st) == 0;
    ft_status status = whole ? FT_OK : ft__hf_json(h, index_file, &index);
    if (!status && !whole && !index)
        status = ft__hf_fail(h, FT_ERR_NOT_FOUND, file, NULL, "neither this file nor %s is there", index_file);
    if (status) return status;
    if (index) {
        status = ft__hf_open_index(h, index_file, index);
    } else {
        h->shards = (ft__safetensors *)ft__arena_alloc(&h->arena, 1, sizeof *h->shards);
        status = h->shards ? ft__hf_add_shard(h, file) : ft__fail_memory(h->err);
    }
    if (!status) status = ft__hf_list_tensors(h);
    if (!status && index) status = ft__hf_check_index(h, index_file, index);
    return status;
}

/* ---- tensors */

/* Names begin differently in files of bare models and of models with a vision tower. */
static ft_status ft__hf_find_prefix(ft__hf *h) {
    static const char *const prefixes[] = {"model.", "language_model.model.", "model.language_model.", ""};
    char name[128];
    for (size_t i = 0; i < FT__COUNT(prefixes); i++) {
        snprintf(name, sizeof name, "%s%s", prefixes[i], ft__hf_embedding.hf);
        if (!ft__hf_find(h, name)) continue;
        h->prefix = prefixes[i];
        return FT_OK;
    }
    return ft__hf_fail(h, FT_ERR_FORMAT, h->n_tensors ? h->tensors[0].file : "model.safetensors",
                       "model.embed_tokens.weight", "the tensor is missing");
}

/* Finds a tensor that must be there with the shape that the row makes of config.json. */
static ft_status ft__hf_take(ft__hf *h, const ft__hf_tensor_row *row, const char *name,
                             const ft__hf_tensor **out) {
    const uint64_t rows = h->dim[row->rows], cols = h->dim[row->cols];
    const int n_dims = row->rows == FT__HF_ONE ? 1 : 2;
    ft__hf_tensor *found = ft__hf_find(h, name);
    if (!found)
        return ft__hf_fail(h, FT_ERR_FORMAT, h->n_shards == 1 ? "model.safetensors" : "model-*.safetensors",
                           name, "the tensor is missing, config.json wants it");
    const ft__st_tensor *t = found->t;
    const uint64_t found_rows = t->n_dims == 2 ? t->shape[0] : 1, found_cols = t->shape[t->n_dims == 2];
    if (t->n_dims != n_dims || found_rows != rows || found_cols != cols)
        return ft__hf_fail(h, FT_ERR_FORMAT, found->file, name,
                           "%d dimensions [%llu, %llu], but config.json makes it [%llu, %llu]", t->n_dims,
                           (unsigned long long)t->shape[0], (unsigned long long)t->shape[1],
                           (unsigned long long)(n_dims == 1 ? cols : rows),
                           (unsigned long long)(n_dims == 1 ? 1 : cols));
    const int format = t->dtype->format;
    const bool converted = row->how == FT__HF_FLOATS || row->how == FT__HF_NORM;
    if (format != 0 && format != 1 && format != 30 && !(format == 28 && converted))
        return ft__hf_fail(h, FT_ERR_UNSUPPORTED, found->file, name,
                           "dtype %s is not in this version, which has F32, F16 and BF16", t->dtype->name);
    found->used = true;
    *out = found;
    return FT_OK;
}

/* Where row j of a head of n goes: the first half to even places, the second to odd ones. */
static uint64_t ft__hf_moved(uint64_t j, uint64_t n) { return j < n / 2 ? 2 * j : 2 * (j - n / 2) + 1; }

/* Copies rows (each of n bytes) to where they belong. */
static void ft__hf_move_rows(const uint8_t *from, uint8_t *to, uint64_t n_rows, uint64_t head, size_t n) {
    for (uint64_t i = 0; i < n_rows; i++)
        memcpy(to + (i - i % head + ft__hf_moved(i % head, head)) * n, from + i * n, n);
}

static bool ft__hf_moves(const ft__hf *h, const ft__hf_tensor_row *row) {
    return row->heads != FT__HF_ONE && (h->flags & FT__HF_PAIRS);
}

/* A matrix stays where it is, unless its rows move or it lies where its elements may not. */
FT__PRIV ft_status ft__hf_put_matrix(ft__hf *h, const ft__hf_tensor_row *row, const ft__st_tensor *t,
                                     const char *gguf_name) {
    const uint64_t ne[2] = {t->shape[1], t->shape[0]};
    const size_t row_bytes = (size_t)t->shape[1] * t->dtype->size;
    const uint8_t *data = t->data;
    if (ft__hf_moves(h, row) || (uintptr_t)data % t->dtype->size) {
        uint8_t *copy = (uint8_t *)ft__arena_alloc(&h->g->arena, (size_t)t->size, 1);
        if (!copy) return ft__fail_memory(h->err);
        if (ft__hf_moves(h, row))
            ft__hf_move_rows(data, copy, t->shape[0], t->shape[0] / h->dim[row->heads], row_bytes);
        else
            memcpy(copy, data, (size_t)t->size);
        data = copy;
    }
    ft__gguf_make_tensor(h->g, gguf_name, 2, ne, (uint32_t)t->dtype->format, data);
    return FT_OK;
}

FT__PRIV ft_status ft__hf_put_floats(ft__hf *h, const ft__hf_tensor_row *row, const ft__st_tensor *t,
                                     const char *gguf_name) {
    const uint64_t ne[2] = {t->n_dims == 2 ? t->shape[1] : t->shape[0], t->shape[0]};
    float *values = (float *)ft__arena_alloc(&h->g->arena, (size_t)t->count, sizeof *values);
    if (!values) return ft__fail_memory(h->err);
    if (!ft__hf_moves(h, row)) {
        ft__safetensors_floats(t, 0, (size_t)t->count, values);
    } else {
        const uint64_t head = t->count / h->dim[row->heads];
        for (uint64_t i = 0; i < t->count; i++)
            ft__safetensors_floats(t, i, 1, values + (i - i % head + ft__hf_moved(i % head, head)));
    }
    if (row->how == FT__HF_NORM && (h->flags & FT__HF_PLUS_ONE))
        for (uint64_t i = 0; i < t->count; i++) values[i] += 1;
    ft__gguf_make_tensor(h->g, gguf_name, t->n_dims, ne, 0, (const uint8_t *)values);
    return FT_OK;
}

static const char *ft__hf_layer_name(ft__hf *h, int layer, const char *name, char out[256]) {
    snprintf(out, 256, "%slayers.%d.%s", h->prefix, layer, name);
    return out;
}

/* The experts' matrices, one after the other; all must have the first one's dtype. */
static ft_status ft__hf_put_stack(ft__hf *h, const ft__hf_tensor_row *row, int layer, const char *gguf_name) {
    const uint64_t n = h->dim[FT__HF_E], ne[3] = {h->dim[row->cols], h->dim[row->rows], n};
    const char *number = strstr(row->hf, "%d");
    const ft__st_tensor *first = NULL;
    uint8_t *all = NULL;
    for (uint64_t e = 0; e < n; e++) {
        char part[128], name[256];
        const ft__hf_tensor *found;
        snprintf(part, sizeof part, "%.*s%d%s", (int)(number - row->hf), row->hf, (int)e, number + 2);
        ft_status status = ft__hf_take(h, row, ft__hf_layer_name(h, layer, part, name), &found);
        if (status) return status;
        if (!first) {
            first = found->t;
            all = (uint8_t *)ft__arena_alloc(&h->g->arena, (size_t)n, (size_t)first->size);
            if (!all) return ft__fail_memory(h->err);
        }
        if (found->t->dtype != first->dtype)
            return ft__hf_fail(h, FT_ERR_UNSUPPORTED, found->file, name, "dtype %s, but that of expert 0 is %s",
                               found->t->dtype->name, first->dtype->name);
        memcpy(all + e * first->size, found->t->data, (size_t)first->size);
    }
    ft__gguf_make_tensor(h->g, gguf_name, 3, ne, (uint32_t)first->dtype->format, all);
    return FT_OK;
}

static ft_status ft__hf_put(ft__hf *h, const ft__hf_tensor_row *row, const char *name, const char *gguf_name) {
    const ft__hf_tensor *found;
    ft_status status = ft__hf_take(h, row, name, &found);
    if (status) return status;
    return row->how == FT__HF_MATRIX ? ft__hf_put_matrix(h, row, found->t, gguf_name)
                                     : ft__hf_put_floats(h, row, found->t, gguf_name);
}

static ft_status ft__hf_put_layer(ft__hf *h, int layer) {
    char name[256], gguf_name[64];
    ft_status status = FT_OK;
    for (size_t i = 0; i < FT__COUNT(ft__hf_tensor_rows) && !status; i++) {
        const ft__hf_tensor_row *row = &ft__hf_tensor_rows[i];
        if ((h->flags & row->all) != row->all || (h->flags & row->none)) continue;
        snprintf(gguf_name, sizeof gguf_name, "blk.%d.%s", layer, row->gguf);
        if (row->how == FT__HF_STACK) status = ft__hf_put_stack(h, row, layer, gguf_name);
        else status = ft__hf_put(h, row, ft__hf_layer_name(h, layer, row->hf, name), gguf_name);
    }
    return status;
}

/* The head is the embedding where the model ties them, whatever else the file holds. */
static ft_status ft__hf_put_head(ft__hf *h) {
    const char *name = strncmp(h->prefix, "language_model.", 15) == 0 ? "language_model.lm_head.weight"
                                                                      : ft__hf_head.hf;
    const ft__json *outer = ft__hf_get(h->root, "tie_word_embeddings");
    ft__hf_tensor *found = ft__hf_find(h, name);
    bool tied = !found;
    ft_status status = ft__hf_bool(h, "tie_word_embeddings", &tied);
    if (outer && outer->type <= FT__JSON_TRUE) tied = outer->type == FT__JSON_TRUE;
    if (!status && !tied) status = ft__hf_put(h, &ft__hf_head, name, ft__hf_head.gguf);
    if (found) found->used = true;
    return status;
}

/* What a language model needs nothing of: the other parts, and tables that follow from config.json. */
static bool ft__hf_unneeded(const ft__hf *h, const char *name) {
    static const char *const parts[] = {"vision_tower.", "multi_modal_projector.", "model.vision_tower.",
                                        "model.multi_modal_projector."};
    static const char table[] = ".rotary_emb.inv_freq";
    const size_t n = strlen(name);
    if (n > sizeof table && strcmp(name + n - (sizeof table - 1), table) == 0) return true;
    for (size_t i = 0; h->config != h->root && i < FT__COUNT(parts); i++)
        if (strncmp(name, parts[i], strlen(parts[i])) == 0) return true;
    return false;
}

static ft_status ft__hf_put_tensors(ft__hf *h) {
    char name[128];
    ft_status status = ft__hf_find_prefix(h);
    if (status) return status;
    snprintf(name, sizeof name, "%s%s", h->prefix, ft__hf_embedding.hf);
    const ft__hf_tensor *embedding = ft__hf_find(h, name);
    status = ft__hf_int(h, "vocab_size", INT32_MAX, embedding->t->shape[0], &h->dim[FT__HF_V]);
    if (!status) status = ft__hf_put(h, &ft__hf_embedding, name, ft__hf_embedding.gguf);
    snprintf(name, sizeof name, "%s%s", h->prefix, ft__hf_last_norm.hf);
    if (!status) status = ft__hf_put(h, &ft__hf_last_norm, name, ft__hf_last_norm.gguf);
    if (!status) status = ft__hf_put_head(h);
    for (int i = 0; i < (int)h->dim[FT__HF_L] && !status; i++) status = ft__hf_put_layer(h, i);
    if (status) return status;
    for (size_t i = 0; i < h->n_tensors; i++)
        if (!h->tensors[i].used && !ft__hf_unneeded(h, h->tensors[i].name))
            return ft__hf_fail(h, FT_ERR_UNSUPPORTED, h->tensors[i].file, h->tensors[i].name,
                               "config.json leaves no place for this tensor; the numbers would be wrong "
                               "without it");
    ft__hf_put_int(h, "vocab_size", h->dim[FT__HF_V]);
    return FT_OK;
}

FT__PRIV ft_status ft__hf_open(ft__gguf *g, const char *folder, const ft_allocator *a, ft_error *err) {
    ft__hf h;
    memset(&h, 0, sizeof h);
    h.g = g;
    h.folder = folder;
    h.err = err;
    ft__arena_init(&h.arena, a);
    ft__gguf_make_begin(g, folder, a);
    ft_status status = ft__hf_read_config(&h);
    if (!status) status = ft__hf_open_shards(&h, "model");
    if (!status) status = ft__hf_put_tensors(&h);
    if (!status) status = ft__hf_tokenizer(&h, h.dim[FT__HF_V]);
    if (!status) ft__gguf_make_string(g, "general.name", h.name, strlen(h.name));
    for (size_t i = 0; i < h.n_shards; i++) {
        ft__gguf_make_own(g, &h.shards[i].file);
        ft__safetensors_close(&h.shards[i]);
    }
    if (!status) status = ft__gguf_make_end(g, err);
    ft__arena_free(&h.arena);
    if (status) ft__gguf_close(g);
    return status;
}
