/* Loading a model: tensors to their places.  Every tensor is looked up by name with the shape it must have,
   and every tensor of the file must have been asked for: a file with parts that this code does not know
   would otherwise compute something subtly else. */
#include "model.h"
#include "hf.h"

static const char *const ft__weights_modules[FT__LAYER_MODULES] = {
    "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};

FT__PRIV int ft__model_tensor(const ft_model *m, const char *name) {
    const ft__gguf_tensor *t = ft__gguf_find(&m->file, name);
    if (t) return (int)(t - m->file.tensors);
    return m->output.tensor == (int)m->file.n_tensors && !strcmp(name, "output.weight") ? m->output.tensor : -1;
}

FT__PRIV const char *ft__model_tensor_name(const ft_model *m, int tensor) {
    return tensor < (int)m->file.n_tensors ? m->file.tensors[tensor].name : "output.weight";
}

/* Finds a tensor and checks its shape (rows of cols, times depth).  Optional ones may be absent: then
   *out is NULL. */
static ft_status ft__weights_find(ft__loader *l, const char *name, uint64_t cols, uint64_t rows,
                                  uint64_t depth, bool optional, const ft__gguf_tensor **out) {
    const ft__gguf_tensor *t = *out = ft__gguf_find(&l->m->file, name);
    snprintf(l->where, sizeof l->where, "%s: %s", l->m->file.path, name);
    if (!t && optional) return FT_OK;
    if (!t) return ft__fail(l->err, FT_ERR_FORMAT, l->where, "the tensor is missing");
    if (t->ne[0] != cols || t->ne[1] != rows || t->ne[2] != depth || t->ne[3] != 1)
        return ft__fail(l->err, FT_ERR_FORMAT, l->where,
                        "found shape [%llu, %llu, %llu, %llu], expected [%llu, %llu, %llu, 1]",
                        (unsigned long long)t->ne[0], (unsigned long long)t->ne[1],
                        (unsigned long long)t->ne[2], (unsigned long long)t->ne[3],
                        (unsigned long long)cols, (unsigned long long)rows, (unsigned long long)depth);
    l->used[t - l->m->file.tensors] = true;
    return FT_OK;
}

FT__PRIV ft_status ft__weights_vector(ft__loader *l, const char *name, int n, int depth, bool optional,
                                      float **out) {
    const ft__gguf_tensor *t;
    ft_status status = ft__weights_find(l, name, (uint64_t)n, (uint64_t)depth, 1, optional, &t);
    *out = NULL;
    if (status || !t) return status;
    const ft__format *format = ft__format_find(t->type);
    if (!format->decode)
        return ft__fail(l->err, FT_ERR_UNSUPPORTED, l->where, "type %s is not in this version",
                        format->name);
    *out = (float *)ft__arena_alloc(&l->m->arena, (size_t)n * (size_t)depth, sizeof **out);
    if (!*out) return ft__fail_memory(l->err);
    format->decode(t->data, (size_t)n * (size_t)depth, *out);
    l->m->vectors[t - l->m->file.tensors] = *out;
    return FT_OK;
}

static ft_status ft__weights_matrix(ft__loader *l, const char *name, int cols, int rows, int depth,
                                    bool optional, ft__linear *out) {
    const ft__gguf_tensor *t;
    ft_status status = ft__weights_find(l, name, (uint64_t)cols, (uint64_t)rows, (uint64_t)depth,
                                        optional, &t);
    if (status || !t) return status;
    const ft__format *format = ft__format_find(t->type);
    if (!format->decode || !l->m->kernels.rows[format->id])
        return ft__fail(l->err, FT_ERR_UNSUPPORTED, l->where, "weights of type %s are not in this version",
                        format->name);
    if (rows > INT_MAX / depth)
        return ft__fail(l->err, FT_ERR_LIMIT, l->where, "more rows than this version can count");
    ft__matrix *w = &out->w;
    w->format = format;
    w->data = t->data;
    w->n_rows = rows * depth;
    w->n_cols = cols;
    w->row_bytes = (size_t)cols / format->n_elements * format->n_bytes;
    out->tensor = (int)(t - l->m->file.tensors);
    return FT_OK;
}

static const char *ft__weights_name(ft__loader *l, int layer, const char *module, const char *suffix) {
    if (layer < 0) snprintf(l->name, sizeof l->name, "%s.%s", module, suffix);
    else snprintf(l->name, sizeof l->name, "blk.%d.%s.%s", layer, module, suffix);
    return l->name;
}

static ft_status ft__weights_linear(ft__loader *l, int layer, const char *module, int cols, int rows,
                                    bool optional, ft__linear *out) {
    const char *name = ft__weights_name(l, layer, module, "weight");
    ft_status status = ft__weights_matrix(l, name, cols, rows, 1, optional, out);
    if (status || !out->w.format) return status;
    return ft__weights_vector(l, ft__weights_name(l, layer, module, "bias"), rows, 1, true, &out->bias);
}

/* A vector of a layer. */
static ft_status ft__weights_of(ft__loader *l, int layer, const char *module, const char *suffix, int n,
                                bool optional, float **out) {
    return ft__weights_vector(l, ft__weights_name(l, layer, module, suffix), n, 1, optional, out);
}

/* Rows first .. first + n of a linear map, as one of its own. */
static ft__linear ft__weights_rows(const ft__linear *whole, int first, int n) {
    ft__linear part = *whole;
    part.w.data += (size_t)first * part.w.row_bytes;
    part.w.n_rows = n;
    if (part.bias) part.bias += first;
    part.first_row += first;
    return part;
}

/* Some files hold q, k and v as one tensor, rows in this order. */
static ft_status ft__weights_qkv(ft__loader *l, int layer, int n_q, int n_kv) {
    ft__linear *module = l->m->layers[layer].module, all;
    memset(&all, 0, sizeof all);
    ft_status status =
        ft__weights_linear(l, layer, "attn_qkv", l->m->info.n_embd, n_q + 2 * n_kv, true, &all);
    if (status || !all.w.format) return status;
    module[FT__Q] = ft__weights_rows(&all, 0, n_q);
    module[FT__K] = ft__weights_rows(&all, n_q, n_kv);
    module[FT__V] = ft__weights_rows(&all, n_q + n_kv, n_kv);
    return FT_OK;
}

/* Or gate and up as one, the gate's rows first. */
static ft_status ft__weights_gate_in_up(ft__loader *l, int layer) {
    ft__linear *module = l->m->layers[layer].module, all;
    const int F = l->m->info.n_ff;
    memset(&all, 0, sizeof all);
    ft_status status = ft__weights_linear(l, layer, "ffn_up", l->m->info.n_embd, 2 * F, false, &all);
    if (status) return status;
    module[FT__GATE] = ft__weights_rows(&all, 0, F);
    module[FT__UP] = ft__weights_rows(&all, F, F);
    return FT_OK;
}

static ft_status ft__weights_conv(ft__loader *l, int layer) {
    ft__layer *at = &l->m->layers[layer];
    const int D = l->m->info.n_embd;
    ft_status status = ft__weights_linear(l, layer, "shortconv.in_proj", D, 3 * D, false, &at->conv_in);
    if (!status) status = ft__weights_linear(l, layer, "shortconv.out_proj", D, D, false, &at->conv_out);
    return status ? status
                  : ft__weights_vector(l, ft__weights_name(l, layer, "shortconv.conv", "weight"), l->m->n_taps, D,
                                       false, &at->conv);
}

static ft_status ft__weights_delta(ft__loader *l, int layer) {
    const ft_model *m = l->m;
    ft__layer *at = &m->layers[layer];
    const int D = m->info.n_embd, n_v = m->n_delta_v, V = n_v * m->delta_size;
    const int C = 2 * m->n_delta_k * m->delta_size + V;
    char name[64];
    ft_status status = ft__weights_linear(l, layer, "attn_qkv", D, C, false, &at->conv_in);
    if (!status) status = ft__weights_linear(l, layer, "attn_gate", D, V, false, &at->delta_gate);
    if (!status) status = ft__weights_linear(l, layer, "ssm_alpha", D, n_v, false, &at->delta_rate);
    if (!status) status = ft__weights_linear(l, layer, "ssm_beta", D, n_v, false, &at->delta_write);
    if (!status) status = ft__weights_linear(l, layer, "ssm_out", V, D, false, &at->conv_out);
    ft__weights_name(l, layer, "ssm_conv1d", "weight");
    if (!status) status = ft__weights_vector(l, l->name, m->n_taps, C, false, &at->conv);
    if (!status) status = ft__weights_of(l, layer, "ssm_norm", "weight", m->delta_size, false, &at->delta_norm);
    if (!status) status = ft__weights_of(l, layer, "ssm_dt", "bias", n_v, false, &at->delta_bias);
    snprintf(name, sizeof name, "blk.%d.ssm_a", layer);
    return status ? status : ft__weights_vector(l, name, n_v, 1, false, &at->delta_decay);
}

/* A matrix of our own floats. */
static ft__matrix ft__weights_floats(const float *values, int rows, int cols) {
    ft__matrix w = {ft__format_find(FT__FORMAT_F32), (const uint8_t *)values, NULL, rows, cols,
                    (size_t)cols * sizeof *values};
    return w;
}

/* Older files hold both unfolding matrices as one, per head the keys' rows (nope, kv_rank) and the values':
   the keys' are turned around as floats, the values' rows brought together as they are. */
static ft_status ft__weights_unfold(ft__loader *l, int layer) {
    ft_model *m = l->m;
    ft__layer *at = &m->layers[layer];
    const size_t H = (size_t)m->info.n_heads, r = (size_t)m->kv_rank, nope = (size_t)m->nope, v = (size_t)m->v_dim;
    ft__linear whole;
    memset(&whole, 0, sizeof whole);
    ft_status status = ft__weights_matrix(l, ft__weights_name(l, layer, "attn_kv_b", "weight"), (int)r,
                                          (int)(H * (nope + v)), 1, false, &whole);
    if (status) return status;
    const ft__matrix all = whole.w;
    float *k = (float *)ft__arena_alloc(&m->arena, H * r, nope * sizeof(float));
    float *row = (float *)ft__arena_alloc(&m->arena, r, sizeof *row);
    uint8_t *values = (uint8_t *)ft__arena_alloc(&m->arena, H * v, all.row_bytes);
    if (!k || !row || !values) return ft__fail_memory(l->err);
    for (size_t h = 0; h < H; h++) {
        const uint8_t *head = all.data + h * (nope + v) * all.row_bytes;
        for (size_t n = 0; n < nope; n++) {
            all.format->decode(head + n * all.row_bytes, r, row);
            for (size_t c = 0; c < r; c++) k[(h * r + c) * nope + n] = row[c];
        }
        memcpy(values + h * v * all.row_bytes, head + nope * all.row_bytes, v * all.row_bytes);
    }
    at->v_b.w = all;
    at->v_b.w.data = values;
    at->v_b.w.n_rows = (int)(H * v);
    at->k_b.w = ft__weights_floats(k, (int)(H * r), (int)nope);
    at->v_b.tensor = at->k_b.tensor = -1;
    return FT_OK;
}

static ft_status ft__weights_latent(ft__loader *l, int layer) {
    ft_model *m = l->m;
    ft__layer *at = &m->layers[layer];
    const int D = m->info.n_embd, H = m->info.n_heads, r = m->kv_rank, n_k = m->info.head_dim;
    const int n_q = H * (m->nope + n_k - r);
    ft_status status = ft__weights_linear(l, layer, "attn_kv_a_mqa", D, n_k, false, &at->kv_a);
    if (!status) status = ft__weights_of(l, layer, "attn_kv_a_norm", "weight", r, false, &at->kv_a_norm);
    if (!status && !m->q_rank) status = ft__weights_linear(l, layer, "attn_q", D, n_q, false, &at->module[FT__Q]);
    if (!status && m->q_rank) {
        status = ft__weights_linear(l, layer, "attn_q_a", D, m->q_rank, false, &at->q_a);
        if (!status) status = ft__weights_of(l, layer, "attn_q_a_norm", "weight", m->q_rank, false, &at->q_a_norm);
        if (!status) status = ft__weights_linear(l, layer, "attn_q_b", m->q_rank, n_q, false, &at->q_b);
    }
    if (!status) status = ft__weights_linear(l, layer, "attn_output", H * m->v_dim, D, false, &at->module[FT__O]);
    if (status || ft__gguf_find(&m->file, ft__weights_name(l, layer, "attn_kv_b", "weight")))
        return status ? status : ft__weights_unfold(l, layer);
    ft__weights_name(l, layer, "attn_k_b", "weight");
    status = ft__weights_matrix(l, l->name, m->nope, r, H, false, &at->k_b);
    ft__weights_name(l, layer, "attn_v_b", "weight");
    return status ? status : ft__weights_matrix(l, l->name, r, m->v_dim, H, false, &at->v_b);
}

static ft_status ft__weights_experts(ft__loader *l, int layer) {
    static const char *const names[3] = {"ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"};
    static const char *const shared[3] = {"ffn_gate_shexp", "ffn_up_shexp", "ffn_down_shexp"};
    const int D = l->m->info.n_embd, F = l->m->n_ff_expert, S = l->m->n_ff_shared, E = l->m->routing.n_experts;
    const unsigned flags = l->m->arch->flags;
    ft__layer *at = &l->m->layers[layer];
    ft_status status =
        ft__weights_matrix(l, ft__weights_name(l, layer, "ffn_gate_inp", "weight"), D, E, 1, false, &at->router);
    if (!status && flags & FT__ARCH_EXPERT_BIAS)
        status = ft__weights_of(l, layer, "ffn_gate_inp", "bias", E, false, &at->router.bias);
    if (!status && flags & FT__ARCH_EXPERTS_KEYED)
        status = ft__weights_of(l, layer, "exp_probs_b", "bias", E, true, &at->choice_bias);
    if (!status && S && l->m->arch->mixer == FT__MIXER_DELTA) {
        float *gate = NULL;
        status = ft__weights_of(l, layer, "ffn_gate_inp_shexp", "weight", D, false, &gate);
        if (!status) at->shared_gate.w = ft__weights_floats(gate, 1, D);
        at->shared_gate.tensor = ft__model_tensor(l->m, l->name);
    }
    ft__weights_name(l, layer, "ffn_gate_up_exps", "weight");
    const bool joined = !(flags & FT__ARCH_EXPERT_BIAS) && ft__gguf_find(&l->m->file, l->name);
    if (!status && joined) status = ft__weights_matrix(l, l->name, D, 2 * F, E, false, &at->expert[0]);
    for (int i = 0; i < 3 && !status; i++) {
        const int cols = i < 2 ? D : F, rows = i < 2 ? F : D;
        if (i == 2 || !joined)
            status = ft__weights_matrix(l, ft__weights_name(l, layer, names[i], "weight"), cols, rows, E, false,
                                        &at->expert[i]);
        if (!status && flags & FT__ARCH_EXPERT_BIAS)
            status = ft__weights_vector(l, ft__weights_name(l, layer, names[i], "bias"), rows, E, false,
                                        &at->expert[i].bias);
        if (!status && S)
            status = ft__weights_linear(l, layer, shared[i], i < 2 ? D : S, i < 2 ? S : D, false, &at->shared[i]);
    }
    return status;
}

/* What only gemma4 has.  The router's input is normed, divided by sqrt(n_embd) and scaled: one vector does it. */
static ft_status ft__weights_gemma4(ft__loader *l, int layer) {
    const int D = l->m->info.n_embd, E = l->m->routing.n_experts, P = l->m->n_own;
    ft__layer *at = &l->m->layers[layer];
    float *scale = NULL;
    ft_status status = ft__weights_of(l, layer, "layer_output_scale", "weight", 1, true, &scale);
    if (scale) at->scale = *scale;
    if (!status && P) {
        status = ft__weights_linear(l, layer, "inp_gate", D, P, false, &at->own_in);
        if (!status) status = ft__weights_linear(l, layer, "proj", P, D, false, &at->own_out);
        if (!status) status = ft__weights_of(l, layer, "post_norm", "weight", D, false, &at->own_norm);
    }
    if (status || !E) return status;
    status = ft__weights_of(l, layer, "ffn_gate_inp", "scale", D, false, &at->router_norm);
    for (int i = 0; i < D && !status; i++) at->router_norm[i] *= (float)(1.0 / ft__sqrt(D));
    if (!status) status = ft__weights_of(l, layer, "pre_ffw_norm_2", "weight", D, false, &at->expert_norm);
    if (!status) status = ft__weights_of(l, layer, "post_ffw_norm_1", "weight", D, false, &at->unit_post_norm);
    if (!status) status = ft__weights_of(l, layer, "post_ffw_norm_2", "weight", D, false, &at->expert_post_norm);
    if (!status) status = ft__weights_of(l, layer, "ffn_down_exps", "scale", E, true, &at->expert_scale);
    return status;
}

/* Norms and what else a layer has as vectors. */
static ft_status ft__weights_norms(ft__loader *l, int layer) {
    const ft_model_info *info = &l->m->info;
    const ft__arch *arch = l->m->arch;
    const int D = info->n_embd;
    const bool whole = (arch->flags & FT__ARCH_QK_NORM_WHOLE) != 0;
    const bool maybe = (arch->flags & FT__ARCH_QK_NORM_MAYBE) != 0;
    ft__layer *at = &l->m->layers[layer];
    ft_status status = FT_OK;
    if (!(arch->flags & FT__ARCH_NO_PRE_NORM))
        status = ft__weights_of(l, layer, "attn_norm", "weight", D, false, &at->attn_norm);
    if (!status && arch->ffn_norm)
        status = ft__weights_of(l, layer, arch->ffn_norm, "weight", D, false, &at->ffn_norm);
    if (!status && arch->flags & FT__ARCH_POST_NORM) {
        status = ft__weights_of(l, layer, "post_attention_norm", "weight", D, false, &at->attn_post_norm);
        if (!status)
            status = ft__weights_of(l, layer, "post_ffw_norm", "weight", D, false, &at->ffn_post_norm);
    }
    if (!status && at->mixer == FT__MIXER_ATTENTION && arch->flags & (FT__ARCH_QK_NORM | FT__ARCH_QK_NORM_MAYBE)) {
        const int hd = at->attention.head_dim, n_q = whole ? info->n_heads * hd : hd;
        const int n_k = whole ? at->attention.n_kv_heads * hd : hd;
        status = ft__weights_of(l, layer, "attn_q_norm", "weight", n_q, maybe, &at->q_norm);
        if (!status && at->kv_from < 0)
            status = ft__weights_of(l, layer, "attn_k_norm", "weight", n_k, maybe && !at->q_norm, &at->k_norm);
    }
    float *sinks = NULL;
    if (!status && arch->flags & FT__ARCH_SINKS)
        status = ft__weights_of(l, layer, "attn_sinks", "weight", info->n_heads, false, &sinks);
    at->attention.sinks = sinks;
    return status;
}

static ft_status ft__weights_attention(ft__loader *l, int layer) {
    ft__layer *at = &l->m->layers[layer];
    const int D = l->m->info.n_embd, n_q = at->attention.n_heads * at->attention.head_dim;
    const int n_kv = at->attention.n_kv_heads * at->attention.head_dim;
    const int gated = l->m->arch->mixer == FT__MIXER_DELTA ? 2 : 1; /* q holds a gate for each head as well */
    const int cols[4] = {D, D, D, n_q}, rows[4] = {gated * n_q, n_kv, n_kv, D};
    const bool gemma4 = (l->m->arch->flags & FT__ARCH_GEMMA4) != 0; /* without values the keys stand for them */
    ft_status status = ft__weights_qkv(l, layer, gated * n_q, n_kv);
    for (int i = FT__Q; i <= FT__O && !status; i++)
        if (!at->module[i].w.format && !(at->kv_from >= 0 && (i == FT__K || i == FT__V)))
            status = ft__weights_linear(l, layer, ft__weights_modules[i], cols[i], rows[i], gemma4 && i == FT__V,
                                        &at->module[i]);
    return status;
}

static ft_status ft__weights_layer(ft__loader *l, int layer) {
    ft__layer *at = &l->m->layers[layer];
    const int D = l->m->info.n_embd, F = at->n_ff;
    const bool gemma4 = (l->m->arch->flags & FT__ARCH_GEMMA4) != 0;
    ft_status status = ft__weights_norms(l, layer);
    if (!status && gemma4) status = ft__weights_gemma4(l, layer);
    if (!status && at->mixer == FT__MIXER_ATTENTION) status = ft__weights_attention(l, layer);
    if (!status && at->mixer == FT__MIXER_LATENT) status = ft__weights_latent(l, layer);
    if (!status && at->mixer == FT__MIXER_CONV) status = ft__weights_conv(l, layer);
    if (!status && at->mixer == FT__MIXER_DELTA) status = ft__weights_delta(l, layer);
    if (!status && ft__arch_has_experts(l->m, layer)) {
        status = ft__weights_experts(l, layer);
        if (!gemma4) return status;
    }
    if (status) return status;
    if (l->m->arch->flags & FT__ARCH_GATE_IN_UP) status = ft__weights_gate_in_up(l, layer);
    for (int i = FT__GATE; i <= FT__DOWN && !status; i++)
        if (!at->module[i].w.format)
            status = ft__weights_linear(l, layer, ft__weights_modules[i], i < FT__DOWN ? D : F,
                                        i < FT__DOWN ? F : D, false, &at->module[i]);
    return status;
}

/* The vocabulary's size: the embedding's rows, which the tokens and the key must agree with. */
static ft_status ft__weights_vocab_size(ft__loader *l) {
    ft_model *m = l->m;
    const ft__gguf_tensor *t = ft__gguf_find(&m->file, "token_embd.weight");
    int64_t n = m->info.n_vocab;
    if (t && t->ne[1] <= INT_MAX && !n) n = (int64_t)t->ne[1];
    m->info.n_vocab = (int)n;
    snprintf(l->name, sizeof l->name, "%s.vocab_size", m->info.architecture);
    ft_status status = ft__gguf_int(&m->file, l->name, 1, INT_MAX, &n, l->err);
    if (!status && n != m->info.n_vocab)
        status = ft__fail(l->err, FT_ERR_FORMAT, m->file.path, "%s is %d, but there are %d tokens",
                          l->name, (int)n, m->info.n_vocab);
    if (!status && n < 1) status = ft__fail(l->err, FT_ERR_FORMAT, m->file.path, "there are no tokens");
    return status;
}

/* Blocks behind the last layer are known to be there and not run. */
static bool ft__weights_skipped(const ft__loader *l, const char *name) {
    for (int i = 0; i < l->n_skipped; i++) {
        char prefix[32];
        int n = snprintf(prefix, sizeof prefix, "blk.%d.", l->m->info.n_layers + i);
        if (strncmp(name, prefix, (size_t)n) == 0) return true;
    }
    return false;
}

static ft_status ft__weights_tensors(ft__loader *l) {
    ft_model *m = l->m;
    const int D = m->info.n_embd, V = m->info.n_vocab;
    ft_status status = ft__weights_matrix(l, "token_embd.weight", D, V, 1, false, &m->embedding);
    const char *norm = m->arch->mixer == FT__MIXER_CONV ? "token_embd_norm.weight" : "output_norm.weight";
    if (!status) status = ft__weights_vector(l, norm, D, 1, false, &m->output_norm);
    if (!status) status = ft__weights_linear(l, -1, "output", D, V, true, &m->output);
    if (!status && !m->output.w.format) {
        m->output = m->embedding;
        m->output.tensor = (int)m->file.n_tensors;
    }
    if (!status && m->n_own) {
        const int n = m->info.n_layers * m->n_own;
        if (m->n_own > (1 << 24) / m->info.n_layers)
            return ft__fail(l->err, FT_ERR_LIMIT, m->file.path, "embedding_length_per_layer_input is too large");
        status = ft__weights_matrix(l, "per_layer_token_embd.weight", n, V, 1, false, &m->own_embedding);
        if (!status && (uint32_t)m->n_own % m->own_embedding.w.format->n_elements)
            status = ft__fail(l->err, FT_ERR_UNSUPPORTED, l->where, "blocks of %s over several layers' inputs are "
                              "not in this version", m->own_embedding.w.format->name);
        if (!status) status = ft__weights_linear(l, -1, "per_layer_model_proj", D, n, false, &m->own_map);
        if (!status)
            status = ft__weights_vector(l, "per_layer_proj_norm.weight", m->n_own, 1, false, &m->own_map_norm);
    }
    for (int i = 0; i < m->info.n_layers && !status; i++) status = ft__weights_layer(l, i);
    for (size_t i = 0; i < m->file.n_tensors && !status; i++) {
        if (l->used[i] || ft__weights_skipped(l, m->file.tensors[i].name)) continue;
        snprintf(l->where, sizeof l->where, "%s: %s", m->file.path, m->file.tensors[i].name);
        status = ft__fail(l->err, FT_ERR_UNSUPPORTED, l->where,
                          "this architecture has no such tensor; the numbers would be wrong without it");
    }
    return status;
}

static ft_status ft__weights_architecture(ft_model *m, ft_error *err) {
    ft__gguf_str text = {"", 0};
    ft_status status = ft__gguf_string(&m->file, "general.architecture", &text, err);
    if (status) return status;
    m->info.architecture = ft__arena_text(&m->arena, text.data, text.len);
    text.len = 0;
    status = ft__gguf_string(&m->file, "general.name", &text, err);
    m->info.name = ft__arena_text(&m->arena, text.data, text.len);
    if (!m->info.architecture || !m->info.name) return ft__fail_memory(err);
    return status;
}

static ft_status ft__weights_known(ft_model *m, ft_error *err) {
    char names[256] = "";
    m->arch = ft__arch_find(m->info.architecture);
    if (m->arch) return FT_OK;
    if (!m->info.architecture[0])
        return ft__fail(err, FT_ERR_FORMAT, m->file.path, "the key general.architecture is missing");
    for (size_t i = 0, n = 0; ft__arch_at(i) && n < sizeof names; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, i ? ", %s" : "%s", ft__arch_at(i)->name);
    return ft__fail(err, FT_ERR_UNSUPPORTED, m->file.path,
                    "the architecture \"%.64s\" is not in this version, which has: %s", m->info.architecture,
                    names);
}

static void ft__weights_vocab_info(ft_model *m) {
    const ft__vocab *v = m->vocab;
    ft_model_info *info = &m->info;
    info->tokenizer = v->model;
    info->can_tokenize = v->kind != NULL;
    info->n_vocab = v->n_vocab;
    info->bos = v->bos;
    info->eos = v->eos;
    info->add_bos = v->add_bos;
    info->add_eos = v->add_eos;
    info->has_chat_template = ft__gguf_key(&m->file, "tokenizer.chat_template") != NULL;
}

static ft_status ft__weights_load(ft_model *m, ft_error *err) {
    ft__loader l;
    memset(&l, 0, sizeof l);
    l.m = m;
    l.err = err;
    ft_status status = ft__weights_known(m, err);
    if (!status) status = ft__kernels_choose(&m->kernels, err);
    if (!status) status = ft__check_float_mode(err);
    if (status) return status;
    l.used = (bool *)ft__alloc_zero(&m->allocator, m->file.n_tensors + 1, sizeof *l.used);
    l.read = (bool *)ft__alloc_zero(&m->allocator, m->file.n_kv + 1, sizeof *l.read);
    m->vectors = (float **)ft__arena_alloc(&m->arena, m->file.n_tensors, sizeof *m->vectors);
    if (!l.used || !l.read || !m->vectors) status = ft__fail_memory(err);
    if (!status) status = ft__arch_read(&l);
    if (!status) status = ft__weights_vocab_size(&l);
    if (!status) status = ft__arch_check_unread(&l);
    if (!status) status = ft__weights_tensors(&l);
    if (!status) status = ft__model_list_maps(m, err);
    ft__free(&m->allocator, l.used);
    ft__free(&m->allocator, l.read);
    if (status) m->layers = NULL;
    return status;
}

ft_model *ft_model_load(const char *path, const ft_model_desc *desc, ft_error *err) {
    ft_allocator a = ft__allocator(desc ? &desc->allocator : NULL);
    ft__gguf file;
    return ft__model_file_open(&file, path, &a, err) ? NULL : ft__model_make(&file, desc, err);
}

FT__PRIV ft_model *ft__model_make(ft__gguf *file, const ft_model_desc *desc, ft_error *err) {
    ft_allocator a = ft__allocator(desc ? &desc->allocator : NULL);
    ft_model *m = (ft_model *)ft__alloc_zero(&a, 1, sizeof *m);
    if (!m) {
        ft__gguf_close(file);
        ft__fail_memory(err);
        return NULL;
    }
    m->allocator = a;
    ft__arena_init(&m->arena, &a);
    m->file = *file;
    ft_status status = ft__weights_architecture(m, err);
    if (!status && desc && desc->quantize && !desc->vocab_only)
        status = ft__quantize_memory(&m->file, desc->quantize, &a, desc->threads, err);
    if (!status) status = ft__vocab_load(&m->vocab, &m->file, &a, err);
    if (!status) ft__weights_vocab_info(m);
    for (size_t i = 0; i < m->file.n_tensors; i++) {
        const uint64_t *ne = m->file.tensors[i].ne;
        m->info.n_params += ne[0] * ne[1] * ne[2] * ne[3];
    }
    if (!status && !(desc && desc->vocab_only)) status = ft__weights_load(m, err);
    if (!status && m->layers && desc) ft__model_share(m, desc->share_with);
    if (!status && m->layers && !(desc && desc->no_pack))
        status = ft__model_pack(m, desc ? desc->threads : 0, err);
    if (!status) return m;
    ft_model_free(m);
    return NULL;
}

void ft_model_free(ft_model *m) {
    if (!m) return;
    ft_allocator a = m->allocator;
    ft__vocab_free(m->vocab);
    ft__free_aligned(&a, m->packed);
    ft__arena_free(&m->arena);
    ft__gguf_close(&m->file);
    ft__free(&a, m);
}

ft_model_info ft_model_get_info(const ft_model *model) { return model->info; }

static ft__gguf_str ft__weights_family(const ft_model *m) {
    ft__gguf_str name = {"", 0};
    ft__gguf_string(&m->file, "general.basename", &name, NULL);
    return name;
}

bool ft_model_same_family(const ft_model *a, const ft_model *b) {
    ft__gguf_str x = ft__weights_family(a), y = ft__weights_family(b);
    if (x.len && y.len) {
        bool same = x.len == y.len;
        for (size_t i = 0; i < x.len && same; i++)
            same = ft__lower_char((uint8_t)x.data[i]) == ft__lower_char((uint8_t)y.data[i]);
        return same;
    }
    return strcmp(a->info.architecture, b->info.architecture) == 0 &&
           strcmp(a->info.tokenizer, b->info.tokenizer) == 0 && a->info.n_vocab == b->info.n_vocab;
}

ft_status ft_tokenize(const ft_model *model, const char *text, size_t n_bytes, unsigned flags,
                      int32_t *tokens, size_t cap, size_t *n, ft_error *err) {
    return ft__vocab_tokenize(model->vocab, text, n_bytes, flags, tokens, cap, n, err);
}

ft_status ft_detokenize(const ft_model *model, const int32_t *tokens, size_t n_tokens, char *text,
                        size_t cap, size_t *n, ft_error *err) {
    return ft__vocab_detokenize(model->vocab, tokens, n_tokens, text, cap, n, err);
}
