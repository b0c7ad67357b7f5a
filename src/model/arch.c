/* What an architecture is: one row of differences from llama, and the keys of a file's metadata that fill in
   the numbers.  There is one forward pass; it looks at what stands here and never at a name.

   A key that would change the numbers but belongs to another architecture is an error: a file that says more
   than is understood would otherwise compute something subtly else. */
#include "model.h"

static const ft__arch ft__arch_table[] = {
    {"llama", FT__ARCH_ROPE_FREQS | FT__ARCH_EXPERTS_NORMED, FT__ACT_SILU, "ffn_norm", 0, 0, 0, 0, 0,
     FT__GATING_SOFTMAX, FT__MIXER_ATTENTION},
    {"qwen2", FT__ARCH_NEOX, FT__ACT_SILU, "ffn_norm", 0, 0, 0, 0, 0, FT__GATING_NONE, FT__MIXER_ATTENTION},
    {"qwen3", FT__ARCH_NEOX | FT__ARCH_QK_NORM,
     FT__ACT_SILU, "ffn_norm", 0, 0, 0, 0, 0, FT__GATING_NONE, FT__MIXER_ATTENTION},
    {"qwen3moe",
     FT__ARCH_NEOX | FT__ARCH_QK_NORM | FT__ARCH_EXPERTS_NORMED | FT__ARCH_EXPERT_LENGTH,
     FT__ACT_SILU, "ffn_norm", 0, 0, 0, 0, 0, FT__GATING_SOFTMAX, FT__MIXER_ATTENTION},
    {"gemma2", FT__ARCH_NEOX | FT__ARCH_GEMMA | FT__ARCH_POST_NORM | FT__ARCH_LOCAL_BASE, FT__ACT_GELU,
     "ffn_norm", 4096, 2, 50, 30, 46, FT__GATING_NONE, FT__MIXER_ATTENTION},
    {"gemma3",
     FT__ARCH_NEOX | FT__ARCH_GEMMA | FT__ARCH_POST_NORM | FT__ARCH_QK_NORM | FT__ARCH_LOCAL_BASE |
         FT__ARCH_LOCAL_PLAIN,
     FT__ACT_GELU, "ffn_norm", -1, 6, 0, 0, 62, FT__GATING_NONE, FT__MIXER_ATTENTION},
    {"phi3", FT__ARCH_NEOX | FT__ARCH_GATE_IN_UP | FT__ARCH_LONG_ROPE | FT__ARCH_ALL_LOCAL, FT__ACT_SILU,
     "ffn_norm", 0, 1, 0, 0, 0, FT__GATING_NONE, FT__MIXER_ATTENTION},
    {"gpt-oss",
     FT__ARCH_NEOX | FT__ARCH_LOCAL_BASE | FT__ARCH_SINKS | FT__ARCH_EXPERT_LENGTH | FT__ARCH_EXPERT_BIAS,
     FT__ACT_CLAMPED, "post_attention_norm", -1, 2, 0, 0, 0, FT__GATING_CHOSEN, FT__MIXER_ATTENTION},
    {"smollm3", FT__ARCH_FOURTH_UNTURNED,
     FT__ACT_SILU, "ffn_norm", 0, 0, 0, 0, 0, FT__GATING_NONE, FT__MIXER_ATTENTION},
    {"granite", FT__ARCH_ROPE_FREQS | FT__ARCH_GRANITE_SCALES, FT__ACT_SILU, "ffn_norm", 0, 0, 0, 0, 0,
     FT__GATING_NONE, FT__MIXER_ATTENTION},
    {"mistral3", FT__ARCH_ROPE_FREQS | FT__ARCH_YARN_KEYS | FT__ARCH_TEMPERATURE, FT__ACT_SILU, "ffn_norm", 0,
     0, 0, 0, 0, FT__GATING_NONE, FT__MIXER_ATTENTION},
    {"cohere2", FT__ARCH_LAYER_NORM | FT__ARCH_PARALLEL | FT__ARCH_FULL_UNTURNED | FT__ARCH_LOGIT_SCALE,
     FT__ACT_SILU, NULL, -1, 4, 0, 0, 0, FT__GATING_NONE, FT__MIXER_ATTENTION},
    {"olmo2",
     FT__ARCH_NEOX | FT__ARCH_NO_PRE_NORM | FT__ARCH_POST_NORM | FT__ARCH_QK_NORM | FT__ARCH_QK_NORM_WHOLE |
         FT__ARCH_LOCAL_PLAIN,
     FT__ACT_SILU, NULL, 0, 4, 0, 0, 0, FT__GATING_NONE, FT__MIXER_ATTENTION},
    {"glm4moe",
     FT__ARCH_NEOX | FT__ARCH_QK_NORM_MAYBE | FT__ARCH_EXPERTS_KEYED | FT__ARCH_EXPERT_LENGTH |
         FT__ARCH_SHARED_EXPERT,
     FT__ACT_SILU, "post_attention_norm", 0, 0, 0, 0, 0, FT__GATING_SIGMOID, FT__MIXER_ATTENTION},
    {"deepseek2", FT__ARCH_EXPERTS_KEYED | FT__ARCH_EXPERT_LENGTH | FT__ARCH_SHARED_EXPERT, FT__ACT_SILU,
     "ffn_norm", 0, 0, 0, 0, 0, FT__GATING_SOFTMAX, FT__MIXER_LATENT},
    {"gemma4",
     FT__ARCH_NEOX | FT__ARCH_GEMMA | FT__ARCH_POST_NORM | FT__ARCH_QK_NORM | FT__ARCH_LOCAL_BASE |
         FT__ARCH_LOCAL_PLAIN | FT__ARCH_ROPE_FREQS | FT__ARCH_EXPERTS_NORMED | FT__ARCH_EXPERT_LENGTH |
         FT__ARCH_GEMMA4,
     FT__ACT_GELU, "ffn_norm", -1, 6, 0, 30, 0, FT__GATING_SOFTMAX, FT__MIXER_ATTENTION},
    {"qwen35", FT__ARCH_NEOX | FT__ARCH_QK_NORM,
     FT__ACT_SILU, "post_attention_norm", 0, 0, 0, 0, 0, FT__GATING_NONE, FT__MIXER_DELTA},
    {"qwen35moe",
     FT__ARCH_NEOX | FT__ARCH_QK_NORM | FT__ARCH_EXPERTS_NORMED | FT__ARCH_EXPERT_LENGTH | FT__ARCH_SHARED_EXPERT,
     FT__ACT_SILU, "post_attention_norm", 0, 0, 0, 0, 0, FT__GATING_SOFTMAX, FT__MIXER_DELTA},
    {"llama4",
     FT__ARCH_ROPE_FREQS | FT__ARCH_FOURTH_UNTURNED | FT__ARCH_CHUNKS | FT__ARCH_QK_NORM_TURNED |
         FT__ARCH_EXPERT_LENGTH | FT__ARCH_SHARED_EXPERT | FT__ARCH_WEIGH_INPUT,
     FT__ACT_SILU, "ffn_norm", 0, 0, 0, 0, 0, FT__GATING_SIGMOID, FT__MIXER_ATTENTION},
    {"lfm2", FT__ARCH_NEOX | FT__ARCH_QK_NORM, FT__ACT_SILU, "ffn_norm", 0, 0, 0, 0, 0, FT__GATING_NONE,
     FT__MIXER_CONV},
};

FT__PRIV const ft__arch *ft__arch_at(size_t i) {
    return i < FT__COUNT(ft__arch_table) ? &ft__arch_table[i] : NULL;
}

FT__PRIV const ft__arch *ft__arch_find(const char *name) {
    for (size_t i = 0; i < FT__COUNT(ft__arch_table); i++)
        if (strcmp(ft__arch_table[i].name, name) == 0) return &ft__arch_table[i];
    return NULL;
}

FT__PRIV bool ft__arch_has(const ft_model *m, unsigned flag) { return (m->arch->flags & flag) != 0; }

/* ---- keys */

FT__PRIV const ft__gguf_kv *ft__arch_key(ft__loader *l, const char *key) {
    snprintf(l->name, sizeof l->name, "%s.%s", l->m->info.architecture, key);
    const ft__gguf_kv *kv = ft__gguf_key(&l->m->file, l->name);
    if (kv) l->read[kv - l->m->file.kv] = true;
    return kv;
}

FT__PRIV ft_status ft__arch_int(ft__loader *l, const char *key, int lowest, int highest, int *value) {
    int64_t wide = *value;
    ft__arch_key(l, key);
    ft_status status = ft__gguf_int(&l->m->file, l->name, lowest, highest, &wide, l->err);
    if (!status && (wide < lowest || wide > highest))
        status = ft__fail(l->err, FT_ERR_FORMAT, l->m->file.path, "the key %s is missing", l->name);
    *value = (int)wide;
    return status;
}

static ft_status ft__arch_is_ints(ft__loader *l, const ft__gguf_kv *kv, int n_blocks) {
    if (kv->element != FT__GGUF_STRING && kv->element != FT__GGUF_ARRAY && kv->element != FT__GGUF_F32 &&
        kv->element != FT__GGUF_F64 && kv->count == (uint64_t)n_blocks)
        return FT_OK;
    return ft__fail(l->err, FT_ERR_FORMAT, l->m->file.path, "%s: expected %d integers or flags", l->name,
                    n_blocks);
}

/* The same for a key that may also be an array with one value a block, which must be equal. */
static ft_status ft__arch_int_of_all(ft__loader *l, const char *key, int n_blocks, int lowest, int highest,
                                     int *value) {
    const ft__gguf_kv *kv = ft__arch_key(l, key);
    if (!kv || kv->type != FT__GGUF_ARRAY) return ft__arch_int(l, key, lowest, highest, value);
    ft_status status = ft__arch_is_ints(l, kv, n_blocks);
    if (status) return status;
    const int64_t first = ft__gguf_int_at(kv, 0);
    for (uint64_t i = 0; i < kv->count; i++)
        if (ft__gguf_int_at(kv, i) != first)
            return ft__fail(l->err, FT_ERR_UNSUPPORTED, l->m->file.path,
                            "%s differs from layer to layer, which this version has not for %s", l->name,
                            l->m->info.architecture);
    if (first < lowest || first > highest)
        return ft__fail(l->err, FT_ERR_FORMAT, l->m->file.path, "%s: must be %d to %d, found %lld", l->name,
                        lowest, highest, (long long)first);
    *value = (int)first;
    return FT_OK;
}

FT__PRIV ft_status ft__arch_float(ft__loader *l, const char *key, double lowest, double highest, double *value) {
    ft__arch_key(l, key);
    ft_status status = ft__gguf_float(&l->m->file, l->name, value, l->err);
    if (status || (*value >= lowest && *value <= highest)) return status;
    if (!ft__gguf_key(&l->m->file, l->name))
        return ft__fail(l->err, FT_ERR_FORMAT, l->m->file.path, "the key %s is missing", l->name);
    return ft__fail(l->err, FT_ERR_FORMAT, l->m->file.path, "%s: expected a number from %lld to %lld", l->name,
                    (long long)lowest, (long long)highest);
}

static ft_status ft__arch_bool(ft__loader *l, const char *key, bool *value) {
    ft__arch_key(l, key);
    return ft__gguf_bool(&l->m->file, l->name, value, l->err);
}

/* ---- shape */

/* Latent attention: one KV head, of the compressed key and the part that turns.  Files have it in one of two
   forms: as heads that are written out, or compressed, where the keys' lengths stand under names of their own. */
static ft_status ft__arch_latent(ft__loader *l) {
    ft_model *m = l->m;
    ft_model_info *info = &m->info;
    int turned = 0, key = 0, value = 0, n_kv_heads = info->n_heads, key_mla = 0;
    ft_status status = ft__arch_int(l, "attention.q_lora_rank", 0, 1 << 16, &m->q_rank);
    if (!status) status = ft__arch_int(l, "attention.kv_lora_rank", 1, 960, &m->kv_rank);
    if (!status) status = ft__arch_int(l, "rope.dimension_count", 2, 256, &turned);
    if (!status) status = ft__arch_int(l, "attention.head_count_kv", 1, info->n_heads, &n_kv_heads);
    if (!status) status = ft__arch_int(l, "attention.key_length", 1, 1024, &key);
    if (!status) status = ft__arch_int(l, "attention.value_length", 1, 1024, &value);
    if (!status) status = ft__arch_int(l, "attention.key_length_mla", 0, 1024, &key_mla);
    const bool written_out = !key_mla;
    if (!status && !written_out) {
        if (key != m->kv_rank + turned || value != m->kv_rank || n_kv_heads != 1)
            return ft__fail(l->err, FT_ERR_FORMAT, m->file.path,
                            "key length %d, value length %d, %d KV heads: expected %d, %d and 1", key, value,
                            n_kv_heads, m->kv_rank + turned, m->kv_rank);
        key = key_mla;
        value = 0;
        status = ft__arch_int(l, "attention.value_length_mla", 1, 1024, &value);
    }
    if (status) return status;
    if (key <= turned || (written_out && n_kv_heads != info->n_heads))
        return ft__fail(l->err, FT_ERR_FORMAT, m->file.path, "%d KV heads of %d dimensions, of which %d turn: "
                        "expected %d heads and dimensions that do not", n_kv_heads, key, turned, info->n_heads);
    m->nope = key - turned;
    m->v_dim = value;
    info->head_dim = m->kv_rank + turned;
    info->n_kv_heads = 1;
    return FT_OK;
}

/* A key with one value or an array with one for each block; *largest of them. */
static ft_status ft__arch_ints(ft__loader *l, const char *key, int n_blocks, int lowest, int highest,
                               int *largest) {
    const ft__gguf_kv *kv = ft__arch_key(l, key);
    if (!kv || kv->type != FT__GGUF_ARRAY) return ft__arch_int(l, key, lowest, highest, largest);
    ft_status status = ft__arch_is_ints(l, kv, n_blocks);
    *largest = 0;
    for (uint64_t i = 0; i < kv->count && !status; i++) {
        const int64_t n = ft__gguf_int_at(kv, i);
        if (n < lowest || n > highest)
            status = ft__fail(l->err, FT_ERR_FORMAT, l->m->file.path, "%s: must be %d to %d, found %lld", l->name,
                              lowest, highest, (long long)n);
        else if (n > *largest) *largest = (int)n;
    }
    return status;
}

/* Its value for a layer. */
static int ft__arch_int_of(ft__loader *l, const char *key, int layer, int fallback) {
    const ft__gguf_kv *kv = ft__arch_key(l, key);
    return kv && kv->type == FT__GGUF_ARRAY ? (int)ft__gguf_int_at(kv, (uint64_t)layer) : fallback;
}

static bool ft__arch_varies(const ft_model *m) {
    return m->arch->mixer == FT__MIXER_CONV || ft__arch_has(m, FT__ARCH_GEMMA4);
}

static ft_status ft__arch_heads(ft__loader *l, int n_blocks) {
    ft_model_info *info = &l->m->info;
    ft_status status =
        ft__arch_int_of_all(l, "attention.head_count", n_blocks, 1, 4096, &info->n_heads);
    info->n_kv_heads = info->n_heads;
    if (!status && l->m->arch->mixer == FT__MIXER_LATENT) return ft__arch_latent(l);
    if (!status && ft__arch_varies(l->m))
        status = ft__arch_ints(l, "attention.head_count_kv", n_blocks, l->m->arch->mixer == FT__MIXER_CONV ? 0 : 1,
                               info->n_heads, &info->n_kv_heads);
    else if (!status)
        status = ft__arch_int_of_all(l, "attention.head_count_kv", n_blocks, 1, info->n_heads, &info->n_kv_heads);
    if (!status && l->m->arch->mixer == FT__MIXER_CONV)
        status = ft__arch_int(l, "shortconv.l_cache", 2, 16, &l->m->n_taps);
    info->head_dim = status ? 0 : info->n_embd / info->n_heads;
    if (!status) status = ft__arch_int(l, "attention.key_length", 2, 512, &info->head_dim);
    int value_length = info->head_dim, value_length_local = 0;
    if (!status) status = ft__arch_int(l, "attention.value_length", 2, 512, &value_length);
    if (!status && ft__arch_has(l->m, FT__ARCH_GEMMA4)) {
        status = ft__arch_int(l, "attention.key_length_swa", 2, 512, &l->m->local_head_dim);
        if (!status) status = ft__arch_int(l, "attention.value_length_swa", 2, 512, &value_length_local);
    }
    if (status) return status;
    if (value_length_local != l->m->local_head_dim)
        return ft__fail(l->err, FT_ERR_FORMAT, l->m->file.path, "key_length_swa %d, value_length_swa %d: expected "
                        "equal lengths", l->m->local_head_dim, value_length_local);
    if (!info->n_kv_heads || info->n_heads % info->n_kv_heads || value_length != info->head_dim)
        return ft__fail(l->err, FT_ERR_FORMAT, l->m->file.path,
                        "%d heads over %d KV heads, key length %d, value length %d: expected a whole "
                        "ratio and equal lengths", info->n_heads, info->n_kv_heads, info->head_dim,
                        value_length);
    return FT_OK;
}

static ft_status ft__arch_shape(ft__loader *l) {
    ft_model_info *info = &l->m->info;
    int n_blocks = 0, n_skipped = 0;
    double eps = -1;
    ft_status status = ft__arch_int(l, "block_count", 1, 4096, &n_blocks);
    if (!status) status = ft__arch_int(l, "nextn_predict_layers", 0, n_blocks - 1, &n_skipped);
    info->n_layers = n_blocks - n_skipped;
    l->n_skipped = n_skipped;
    if (!status) status = ft__arch_int(l, "context_length", 1, 1 << 28, &info->n_ctx);
    if (!status) status = ft__arch_int(l, "embedding_length", 1, 1 << 20, &info->n_embd);
    if (!status && ft__arch_varies(l->m))
        status = ft__arch_ints(l, "feed_forward_length", n_blocks, 1, 1 << 24, &info->n_ff);
    else if (!status)
        status = ft__arch_int_of_all(l, "feed_forward_length", n_blocks, 1, 1 << 24, &info->n_ff);
    if (!status) status = ft__arch_heads(l, n_blocks);
    if (!status)
        status = ft__arch_float(l, ft__arch_has(l->m, FT__ARCH_LAYER_NORM) ? "attention.layer_norm_epsilon"
                                                                            : "attention.layer_norm_rms_epsilon",
                                0, 1, &eps);
    l->m->norm_eps = (float)eps;
    return status;
}

/* ---- experts */

static ft_status ft__arch_experts_keyed(ft__loader *l) {
    ft__routing *r = &l->m->routing;
    /* GLM-4.7-Flash goes by DeepSeek's name; its number of layers tells it from files without the key */
    const int n = l->m->info.n_layers;
    const bool flash = l->m->arch->mixer == FT__MIXER_LATENT && (n == 47 || n == 48);
    int gating = flash ? (int)FT__GATING_SIGMOID : (int)r->gating;
    double scale = 1;
    ft_status status = ft__arch_int(l, "expert_gating_func", 0, 3, &gating);
    if (gating) r->gating = (ft__gating)gating;
    if (!status) status = ft__arch_bool(l, "expert_weights_norm", &r->normed);
    if (!status) status = ft__arch_float(l, "expert_weights_scale", 0, 1e6, &scale);
    r->scale = scale == 0 ? 1 : (float)scale;
    if (!status) status = ft__arch_int(l, "expert_group_count", 0, r->n_experts, &r->n_groups);
    if (status || r->n_groups < 2) return status;
    status = ft__arch_int(l, "expert_group_used_count", 1, r->n_groups, &r->n_groups_used);
    if (!status && (r->n_experts % r->n_groups || r->n_experts / r->n_groups < 2 ||
                    r->n_used > r->n_experts / r->n_groups * r->n_groups_used))
        status = ft__fail(l->err, FT_ERR_FORMAT, l->m->file.path,
                          "%d of %d experts from %d of %d groups: that does not work out", r->n_used,
                          r->n_experts, r->n_groups_used, r->n_groups);
    return status;
}

static ft_status ft__arch_experts(ft__loader *l) {
    ft_model *m = l->m;
    ft__routing *r = &m->routing;
    int n_shared = 1;
    m->n_ff_expert = m->info.n_ff;
    m->first_expert_layer = 0;
    m->expert_layer_step = 1;
    r->gating = m->arch->gating;
    r->normed = ft__arch_has(m, FT__ARCH_EXPERTS_NORMED);
    r->scale = 1;
    if (!r->gating) return FT_OK;
    ft_status status = ft__arch_int(l, "expert_count", 0, FT__MAX_EXPERTS, &r->n_experts);
    m->info.n_experts = r->n_experts;
    if (status || !r->n_experts) return status;
    status = ft__arch_int(l, "expert_used_count", 1, r->n_experts, &r->n_used);
    m->info.n_experts_used = r->n_used;
    if (ft__arch_has(m, FT__ARCH_EXPERT_LENGTH)) m->n_ff_expert = 0;
    if (!status && !m->n_ff_expert)
        status = ft__arch_int(l, "expert_feed_forward_length", 1, 1 << 20, &m->n_ff_expert);
    if (!status && ft__arch_has(m, FT__ARCH_EXPERTS_KEYED)) status = ft__arch_experts_keyed(l);
    if (!status && ft__arch_has(m, FT__ARCH_EXPERTS_KEYED))
        status = ft__arch_int(l, "leading_dense_block_count", 0, m->info.n_layers, &m->first_expert_layer);
    if (!status && ft__arch_has(m, FT__ARCH_WEIGH_INPUT)) {
        m->expert_layer_step = 0;
        status = ft__arch_int(l, "interleave_moe_layer_step", 1, m->info.n_layers, &m->expert_layer_step);
    }
    if (status || !ft__arch_has(m, FT__ARCH_SHARED_EXPERT)) return status;
    if (m->arch->mixer == FT__MIXER_DELTA)
        return ft__arch_int(l, "expert_shared_feed_forward_length", 1, 1 << 20, &m->n_ff_shared);
    status = ft__arch_int(l, "expert_shared_count", 0, 64, &n_shared);
    m->n_ff_shared = n_shared * m->n_ff_expert;
    return status;
}

FT__PRIV bool ft__arch_has_experts(const ft_model *m, int layer) {
    return m->routing.n_experts && layer >= m->first_expert_layer &&
           (layer + 1) % m->expert_layer_step == 0;
}

/* ---- scales and caps */

static ft_status ft__arch_granite(ft__loader *l, double *attn_scale) {
    ft_model *m = l->m;
    double embedding = 1, residual = 1, logits = 0;
    ft_status status = ft__arch_float(l, "embedding_scale", 1e-6, 1e6, &embedding);
    if (!status) status = ft__arch_float(l, "residual_scale", 1e-6, 1e6, &residual);
    if (!status) status = ft__arch_float(l, "logit_scale", 1e-6, 1e6, &logits);
    if (!status) status = ft__arch_float(l, "attention.scale", 0, 1e6, attn_scale);
    m->embedding_scale = (float)embedding;
    m->residual_scale = (float)residual;
    m->logit_scale = status ? 1 : (float)(1.0 / logits);
    return status;
}

static ft_status ft__arch_temperature(ft__loader *l) {
    ft_model *m = l->m;
    m->temperature_span = m->info.n_ctx;
    if (ft__arch_has(m, FT__ARCH_CHUNKS)) { /* these numbers are the architecture's */
        m->temperature = 0.1;
        m->temperature_span = 8192;
        m->temperature_shift = 1;
    }
    if (!ft__arch_has(m, FT__ARCH_TEMPERATURE)) return FT_OK;
    ft_status status = ft__arch_float(l, "attention.temperature_scale", 0, 1e3, &m->temperature);
    if (!status)
        status = ft__arch_float(l, "rope.scaling.original_context_length", 1, 1e9, &m->temperature_span);
    return status;
}

/* What is the same in all layers, into *a too. */
static ft_status ft__arch_scales(ft__loader *l, ft__attention *a) {
    ft_model *m = l->m;
    const ft_model_info *info = &m->info;
    double attn_scale = 0, attn_cap = (double)m->arch->attn_cap, logit_cap = (double)m->arch->logit_cap;
    double logit_scale = 0;
    ft_status status = ft__arch_temperature(l);
    m->embedding_scale = ft__arch_has(m, FT__ARCH_GEMMA) ? (float)ft__sqrt(info->n_embd) : 1;
    m->residual_scale = m->logit_scale = 1;
    if (!status && ft__arch_has(m, FT__ARCH_GRANITE_SCALES)) status = ft__arch_granite(l, &attn_scale);
    if (!status && ft__arch_has(m, FT__ARCH_LOGIT_SCALE)) {
        status = ft__arch_float(l, "logit_scale", 1e-6, 1e6, &logit_scale);
        m->logit_scale = (float)logit_scale;
    }
    if (!status && attn_cap > 0)
        status = ft__arch_float(l, "attn_logit_softcapping", 0.001, 1e6, &attn_cap);
    if (!status && ft__arch_has(m, FT__ARCH_GEMMA))
        status = ft__arch_float(l, "final_logit_softcapping", 0, 1e6, &logit_cap);
    m->logit_cap = logit_cap < 0.001 ? 0 : (float)logit_cap;
    if (attn_scale == 0) {
        int width = info->n_layers == m->arch->wide_layers ? info->n_embd / info->n_heads : info->head_dim;
        attn_scale = 1.0 / ft__sqrt(width);
    }
    if (ft__arch_has(m, FT__ARCH_GEMMA4)) attn_scale = 1;
    if (m->kv_rank) attn_scale = m->latent_scale / ft__sqrt(m->nope + m->rope[FT__ROPE_FULL].n_rot);
    a->n_heads = info->n_heads;
    a->n_kv_heads = info->n_kv_heads;
    a->head_dim = info->head_dim;
    a->scale = (float)attn_scale;
    a->soft_cap = (float)attn_cap;
    return status;
}

/* ---- kinds of layers */

/* Which layers have a window: every so-manieth has none, or a flag for each block says so. */
static ft_status ft__arch_windows(ft__loader *l) {
    ft_model *m = l->m;
    const int n = m->info.n_layers;
    int window = m->arch->window, period = m->arch->window_period;
    if (!period) return FT_OK;
    ft_status status = ft__arch_int(l, "attention.sliding_window", m->arch->window < 0 ? 1 : 0, 1 << 30, &window);
    const ft__gguf_kv *kv = ft__arch_key(l, "attention.sliding_window_pattern");
    const bool flags = kv && kv->type == FT__GGUF_ARRAY;
    if (!status && flags) status = ft__arch_is_ints(l, kv, n + l->n_skipped);
    if (!status && !kv && ft__arch_has(m, FT__ARCH_GEMMA4)) period = 0; /* not known by heart */
    if (!status && !flags) status = ft__arch_int(l, "attention.sliding_window_pattern", 1, 4096, &period);
    for (int i = 0; i < n && !status; i++) {
        bool local = flags ? ft__gguf_int_at(kv, (uint64_t)i) != 0 : i % period < period - 1;
        if (local || ft__arch_has(m, FT__ARCH_ALL_LOCAL)) m->layers[i].attention.window = window;
    }
    return status;
}

/* Layers with a window have heads of another size.  The last ones have no keys and values of their own: they
   read those of the last layer of their kind that has. */
static ft_status ft__arch_gemma4(ft__loader *l) {
    ft_model *m = l->m;
    const int n = m->info.n_layers;
    int n_shared = 0;
    ft_status status = ft__arch_int(l, "attention.shared_kv_layers", 0, n, &n_shared);
    m->n_own = -1;
    if (!status) status = ft__arch_int(l, "embedding_length_per_layer_input", 0, 1 << 16, &m->n_own);
    for (int i = 0; i < n && !status; i++) {
        ft__layer *at = &m->layers[i];
        if (at->attention.window) at->attention.head_dim = m->local_head_dim;
        if (i < n - n_shared) continue;
        for (int k = 0; k < n - n_shared; k++)
            if (!m->layers[k].attention.window == !at->attention.window) at->kv_from = k;
        if (at->kv_from < 0 || m->layers[at->kv_from].attention.n_kv_heads != at->attention.n_kv_heads)
            status = ft__fail(l->err, FT_ERR_FORMAT, m->file.path,
                              "layer %d has no keys of its own, and there is no layer whose keys it could read", i);
    }
    return status;
}

static ft_status ft__arch_delta(ft__loader *l) {
    ft_model *m = l->m;
    int interval = 4, inner = 0;
    ft_status status = ft__arch_int(l, "full_attention_interval", 1, 4096, &interval);
    if (!status) status = ft__arch_int(l, "ssm.state_size", 1, 256, &m->delta_size);
    if (!status) status = ft__arch_int(l, "ssm.group_count", 1, 1024, &m->n_delta_k);
    if (!status) status = ft__arch_int(l, "ssm.time_step_rank", 1, 1024, &m->n_delta_v);
    if (!status) status = ft__arch_int(l, "ssm.inner_size", 1, 1 << 18, &inner);
    if (!status) status = ft__arch_int(l, "ssm.conv_kernel", 2, 16, &m->n_taps);
    if (!status && (inner != m->n_delta_v * m->delta_size || m->n_delta_v % m->n_delta_k))
        status = ft__fail(l->err, FT_ERR_FORMAT, m->file.path,
                          "ssm: %d heads of %d for %d of q and k and an inner size of %d: that does not work out",
                          m->n_delta_v, m->delta_size, m->n_delta_k, inner);
    for (int i = 0; i < m->info.n_layers && !status; i++)
        if ((i + 1) % interval) m->layers[i].mixer = FT__MIXER_DELTA;
    return status;
}

static ft_status ft__arch_layers(ft__loader *l, const ft__attention *a) {
    ft_model *m = l->m;
    bool turned = true;
    ft_status status = FT_OK;
    for (int i = 0; i < m->info.n_layers; i++) {
        ft__layer *at = &m->layers[i];
        at->attention = *a;
        at->n_ff = m->info.n_ff;
        at->scale = 1;
        at->kv_from = -1;
        at->mixer = m->arch->mixer == FT__MIXER_LATENT ? FT__MIXER_LATENT : FT__MIXER_ATTENTION;
        if (!ft__arch_varies(m)) continue;
        at->n_ff = ft__arch_int_of(l, "feed_forward_length", i, at->n_ff);
        at->attention.n_kv_heads = ft__arch_int_of(l, "attention.head_count_kv", i, a->n_kv_heads);
        if (!at->attention.n_kv_heads) at->mixer = FT__MIXER_CONV;
        else if (a->n_heads % at->attention.n_kv_heads)
            return ft__fail(l->err, FT_ERR_FORMAT, m->file.path, "layer %d: %d heads over %d KV heads", i,
                            a->n_heads, at->attention.n_kv_heads);
    }
    if (ft__arch_has(m, FT__ARCH_GRANITE_SCALES)) status = ft__arch_bool(l, "rope.scaling.finetuned", &turned);
    if (!status) status = ft__arch_windows(l);
    for (int i = 0; i < m->info.n_layers && !status; i++) {
        ft__layer *at = &m->layers[i];
        const bool fourth = ft__arch_has(m, FT__ARCH_FOURTH_UNTURNED) && (i + 1) % 4 == 0;
        const bool full = ft__arch_has(m, FT__ARCH_FULL_UNTURNED) && !at->attention.window;
        at->rope = at->attention.window && m->rope[FT__ROPE_LOCAL].freq ? FT__ROPE_LOCAL : FT__ROPE_FULL;
        if (!turned || fourth || full) at->rope = -1;
        if (ft__arch_has(m, FT__ARCH_CHUNKS) && !fourth) at->attention.chunk = 8192;
    }
    if (!status && m->arch->mixer == FT__MIXER_DELTA) status = ft__arch_delta(l);
    if (!status && ft__arch_has(m, FT__ARCH_GEMMA4)) status = ft__arch_gemma4(l);
    return status;
}

FT__PRIV ft_status ft__arch_read(ft__loader *l) {
    ft_model *m = l->m;
    ft__attention shape;
    memset(&shape, 0, sizeof shape);
    ft_status status = ft__arch_shape(l);
    if (!status) status = ft__arch_experts(l);
    if (!status) status = ft__rope_read(l);
    if (!status) status = ft__arch_scales(l, &shape);
    if (status) return status;
    m->layers = (ft__layer *)ft__arena_alloc(&m->arena, (size_t)m->info.n_layers, sizeof *m->layers);
    return m->layers ? ft__arch_layers(l, &shape) : ft__fail_memory(l->err);
}

/* ---- keys of other architectures */

/* What such a key says where it changes nothing. */
static const struct {
    const char *key;
    double neutral[2];
} ft__arch_effects[] = {
    {"attention.scale", {0, 0}},
    {"attention.temperature_scale", {0, 0}},
    {"attention.max_alibi_bias", {0, 0}},
    {"attention.clamp_kqv", {0, 0}},
    {"attention.causal", {1, 1}},
    {"attention.q_lora_rank", {0, 0}},
    {"attention.kv_lora_rank", {0, 0}},
    {"attention.shared_kv_layers", {0, 0}},
    {"attn_logit_softcapping", {0, 0}},
    {"final_logit_softcapping", {0, 0}},
    {"router_logit_softcapping", {0, 0}},
    {"embedding_scale", {1, 0}},
    {"embedding_length_per_layer_input", {0, 0}},
    {"residual_scale", {1, 0}},
    {"logit_scale", {1, 0}},
    {"use_parallel_residual", {0, 0}},
    {"expert_count", {0, 0}},
    {"expert_shared_count", {0, 0}},
    {"expert_gating_func", {0, 0}},
    {"expert_weights_norm", {-2, -2}},
    {"expert_weights_scale", {1, 0}},
    {"expert_group_count", {0, 1}},
    {"leading_dense_block_count", {0, 0}},
    {"interleave_moe_layer_step", {0, 1}},
    {"full_attention_interval", {0, 1}},
    {"rope.scaling.yarn_log_multiplier", {0, 0}},
    {"rope.scaling.yarn_beta_fast", {32, 0}},
    {"rope.scaling.yarn_beta_slow", {1, 0}},
    {"rope.scaling.alpha", {0, 1}},
};

/* Keys beyond the table are harmless: sizes of training, counts for the eye, what tensors already say. */
FT__PRIV ft_status ft__arch_check_unread(ft__loader *l) {
    const ft__gguf *g = &l->m->file;
    for (size_t i = 0; i < FT__COUNT(ft__arch_effects); i++) {
        const char *key = ft__arch_effects[i].key;
        snprintf(l->name, sizeof l->name, "%s.%s", l->m->info.architecture, key);
        const ft__gguf_kv *kv = ft__gguf_key(g, l->name);
        if (!kv || l->read[kv - g->kv]) continue;
        const bool number = kv->type != FT__GGUF_STRING && kv->type != FT__GGUF_ARRAY;
        const double value = number ? ft__gguf_number_at(kv, 0) : -1, *neutral = ft__arch_effects[i].neutral;
        if (value == neutral[0] || value == neutral[1]) continue;
        if (strcmp(key, "expert_gating_func") == 0 && value == (double)l->m->routing.gating) continue;
        if (strcmp(key, "expert_weights_norm") == 0 && value == (l->m->routing.normed ? 1 : 0)) continue;
        return ft__fail(l->err, FT_ERR_UNSUPPORTED, g->path,
                        "%s: this architecture has no such key in this version; the numbers would be wrong "
                        "without it", l->name);
    }
    return FT_OK;
}
