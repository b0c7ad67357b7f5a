/* config.json of a Hugging Face folder to keys of GGUF.  What a family of models needs is a row of
   ft__hf_families.  A setting that the target architecture cannot express is an error; a setting that comes to
   nothing (a window no shorter than the context) is let pass. */
#include "hf.h"

/* A kind of model: model_type of config.json to general.architecture, with what config.json may leave out
   because the family's own configuration class fills it in. */
typedef struct ft__hf_family {
    const char *model_type, *architecture, *activation;
    unsigned flags;
    double rope_theta;
    uint32_t n_heads, n_kv_heads; /* 0: must be there; as many as heads */
    uint32_t head_dim, n_ctx;     /* 0: width / heads; must be there */
} ft__hf_family;

static const ft__hf_family ft__hf_families[] = {
    {"llama", "llama", "silu", FT__HF_PAIRS | FT__HF_ASKS_BIAS | FT__HF_ASKS_FFN_BIAS, 10000, 0, 0, 0, 0},
    {"mistral", "llama", "silu", FT__HF_PAIRS, 10000, 0, 8, 0, 0},
    {"mixtral", "llama", "silu", FT__HF_PAIRS | FT__HF_MIXTRAL, 1e6, 0, 8, 0, 0},
    {"qwen2", "qwen2", "silu", FT__HF_QKV_BIAS | FT__HF_WINDOW_ASKED, 10000, 0, 32, 0, 0},
    {"qwen3", "qwen3", "silu", FT__HF_QK_NORM | FT__HF_ASKS_BIAS | FT__HF_WINDOW_ASKED, 10000, 0, 32, 128,
     0},
    {"qwen3_moe", "qwen3moe", "silu",
     FT__HF_QK_NORM | FT__HF_ASKS_BIAS | FT__HF_WINDOW_ASKED | FT__HF_QWEN_MOE, 10000, 0, 4, 0, 0},
    {"gemma2", "gemma2", "gelu_pytorch_tanh",
     FT__HF_PLUS_ONE | FT__HF_POST_NORMS | FT__HF_WINDOW | FT__HF_GEMMA | FT__HF_ASKS_BIAS, 10000, 8, 4, 256,
     8192},
    {"gemma3_text", "gemma3", "gelu_pytorch_tanh",
     FT__HF_PLUS_ONE | FT__HF_POST_NORMS | FT__HF_WINDOW | FT__HF_GEMMA | FT__HF_QK_NORM | FT__HF_ASKS_BIAS,
     1e6, 8, 4, 256, 131072},
    {"phi3", "phi3", "silu", FT__HF_FUSED | FT__HF_WINDOW | FT__HF_PARTIAL, 10000, 0, 0, 0, 0},
    {"smollm3", "smollm3", "silu",
     FT__HF_PAIRS | FT__HF_NOPE | FT__HF_WINDOW_ASKED | FT__HF_ASKS_BIAS | FT__HF_ASKS_FFN_BIAS, 2e6, 0, 4,
     0, 0},
    {"granite", "granite", "silu", FT__HF_PAIRS | FT__HF_GRANITE | FT__HF_ASKS_BIAS | FT__HF_ASKS_FFN_BIAS,
     10000, 0, 0, 0, 0},
    {"olmo2", "olmo2", "silu",
     FT__HF_POST_NORMS | FT__HF_NO_PRE | FT__HF_QK_WHOLE | FT__HF_ASKS_BIAS, 10000, 0, 0, 0, 0},
};

/* ---- single values */

static ft_status ft__hf_config_fail(ft__hf *h, ft_status status, const char *field, const char *fmt, ...)
    FT__PRINTF(4, 5);
static ft_status ft__hf_config_fail(ft__hf *h, ft_status status, const char *field, const char *fmt, ...) {
    char message[384];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    return ft__hf_fail(h, status, "config.json", field, "%s", message);
}

FT__PRIV ft_status ft__hf_int(ft__hf *h, const char *key, uint64_t highest, uint64_t otherwise,
                              uint64_t *value) {
    const ft__json *v = ft__hf_get(h->config, key);
    *value = otherwise;
    if (!v && otherwise) return FT_OK;
    if (!v) return ft__hf_config_fail(h, FT_ERR_FORMAT, key, "is missing");
    if (!ft__json_is_integer(v, 1, (double)highest))
        return ft__hf_config_fail(h, FT_ERR_FORMAT, key, "must be an integer from 1 to %llu, found %.40s",
                                  (unsigned long long)highest,
                                  v->type == FT__JSON_NUMBER ? v->text : ft__json_type_name(v->type));
    *value = (uint64_t)v->number;
    return FT_OK;
}

/* A number; where it is absent *value stays, unless it must be there. */
static ft_status ft__hf_number(ft__hf *h, const ft__json *object, const char *key, bool needed,
                               double *value) {
    const ft__json *v = ft__hf_get(object, key);
    if (!v && !needed) return FT_OK;
    if (!v) return ft__hf_config_fail(h, FT_ERR_FORMAT, key, "is missing");
    if (v->type != FT__JSON_NUMBER)
        return ft__hf_config_fail(h, FT_ERR_FORMAT, key, "must be a number, found %s",
                                  ft__json_type_name(v->type));
    *value = v->number;
    return FT_OK;
}

FT__PRIV ft_status ft__hf_bool(ft__hf *h, const char *key, bool *value) {
    const ft__json *v = ft__hf_get(h->config, key);
    if (!v) return FT_OK;
    if (v->type != FT__JSON_TRUE && v->type != FT__JSON_FALSE)
        return ft__hf_config_fail(h, FT_ERR_FORMAT, key, "must be true or false, found %s",
                                  ft__json_type_name(v->type));
    *value = v->type == FT__JSON_TRUE;
    return FT_OK;
}

/* A text member, or `otherwise`. */
static const char *ft__hf_word(const ft__json *object, const char *key, const char *otherwise) {
    const ft__json *v = ft__hf_get(object, key);
    return v && v->type == FT__JSON_STRING ? v->text : otherwise;
}

static const char *ft__hf_key(ft__hf *h, char out[96], const char *key) {
    snprintf(out, 96, "%s.%s", h->family->architecture, key);
    return out;
}

FT__PRIV void ft__hf_put_int(ft__hf *h, const char *key, uint64_t value) {
    char name[96];
    ft__gguf_make_u32(h->g, ft__hf_key(h, name, key), (uint32_t)value);
}

static void ft__hf_put_float(ft__hf *h, const char *key, double value) {
    char name[96];
    ft__gguf_make_f32(h->g, ft__hf_key(h, name, key), (float)value);
}

/* The model may be one part of several ("text_config"); "gemma3" is gemma3_text and a vision tower. */
static ft_status ft__hf_find_family(ft__hf *h) {
    const ft__json *part = ft__hf_get(h->root, "text_config");
    if (part && part->type != FT__JSON_OBJECT)
        return ft__hf_config_fail(h, FT_ERR_FORMAT, "text_config", "must be an object, found %s",
                                  ft__json_type_name(part->type));
    h->config = part ? part : h->root;
    const char *type = ft__hf_word(h->config, "model_type", ft__hf_word(h->root, "model_type", NULL));
    if (!type) return ft__hf_config_fail(h, FT_ERR_FORMAT, "model_type", "is missing");
    if (strcmp(type, "gemma3") == 0) type = "gemma3_text";
    for (size_t i = 0; i < FT__COUNT(ft__hf_families); i++)
        if (strcmp(ft__hf_families[i].model_type, type) == 0) h->family = &ft__hf_families[i];
    if (!h->family) {
        ft__buf known;
        ft__buf_init(&known, &h->arena.allocator);
        for (size_t i = 0; i < FT__COUNT(ft__hf_families); i++)
            ft__buf_printf(&known, "%s%s", i ? " " : "", ft__hf_families[i].model_type);
        ft_status status = known.failed ? ft__fail_memory(h->err)
                                        : ft__hf_config_fail(h, FT_ERR_UNSUPPORTED, "model_type",
                                                             "\"%.64s\" is not in this version, which has: %s",
                                                             type, known.data);
        ft__buf_free(&known);
        return status;
    }
    h->flags = h->family->flags;
    const ft__json *quantised = ft__hf_get(h->root, "quantization_config");
    if (!quantised) quantised = ft__hf_get(h->config, "quantization_config");
    if (quantised)
        return ft__hf_config_fail(h, FT_ERR_UNSUPPORTED, "quantization_config",
                                  "weights quantised by \"%.40s\" are not in this version",
                                  ft__hf_word(quantised, "quant_method", "?"));
    return FT_OK;
}

static ft_status ft__hf_read_activation(ft__hf *h) {
    const char *key = ft__hf_get(h->config, "hidden_activation") ? "hidden_activation" : "hidden_act";
    const char *found = ft__hf_word(h->config, key, h->family->activation);
    if (strcmp(found, h->family->activation) == 0) return FT_OK;
    return ft__hf_config_fail(h, FT_ERR_UNSUPPORTED, key, "found \"%.40s\", expected \"%s\"", found,
                              h->family->activation);
}

/* A number that the architecture has built in: anything else would give other numbers. */
static ft_status ft__hf_expect(ft__hf *h, const char *key, double expected) {
    double value = expected;
    ft_status status = ft__hf_number(h, h->config, key, false, &value);
    if (status || (value >= expected && value <= expected)) return status;
    char text[2][32];
    ft__number_write(expected, text[0]);
    ft__number_write(value, text[1]);
    return ft__hf_config_fail(h, FT_ERR_UNSUPPORTED, key, "found %s, this version computes with %s", text[1],
                              text[0]);
}

static ft_status ft__hf_read_biases(ft__hf *h) {
    bool attention = false, ffn = false;
    ft_status status = FT_OK;
    if (h->flags & FT__HF_ASKS_BIAS) status = ft__hf_bool(h, "attention_bias", &attention);
    if (!status && (h->flags & FT__HF_ASKS_FFN_BIAS)) status = ft__hf_bool(h, "mlp_bias", &ffn);
    if (attention) h->flags |= FT__HF_QKV_BIAS | FT__HF_O_BIAS;
    if (ffn) h->flags |= FT__HF_FFN_BIAS;
    return status;
}

static ft_status ft__hf_read_experts(ft__hf *h) {
    const bool mixtral = (h->flags & FT__HF_MIXTRAL) != 0;
    const ft__json *dense = ft__hf_get(h->config, "mlp_only_layers");
    uint64_t n_used;
    bool normed = false;
    ft_status status = ft__hf_int(h, mixtral ? "num_local_experts" : "num_experts", 65536, 0,
                                  &h->dim[FT__HF_E]);
    if (!status) status = ft__hf_int(h, "num_experts_per_tok", h->dim[FT__HF_E], 0, &n_used);
    if (status) return status;
    ft__hf_put_int(h, "expert_count", h->dim[FT__HF_E]);
    ft__hf_put_int(h, "expert_used_count", n_used);
    h->dim[FT__HF_FE] = h->dim[FT__HF_F];
    if (mixtral) return FT_OK;
    status = ft__hf_int(h, "moe_intermediate_size", 1 << 24, 0, &h->dim[FT__HF_FE]);
    if (!status) status = ft__hf_bool(h, "norm_topk_prob", &normed);
    if (!status && !normed)
        status = ft__hf_config_fail(h, FT_ERR_UNSUPPORTED, "norm_topk_prob", "must be true");
    if (!status) status = ft__hf_expect(h, "decoder_sparse_step", 1);
    if (!status && dense && dense->count)
        status = ft__hf_config_fail(h, FT_ERR_UNSUPPORTED, "mlp_only_layers",
                                    "layers without experts are not in this version");
    if (!status) ft__hf_put_int(h, "expert_feed_forward_length", h->dim[FT__HF_FE]);
    return status;
}

static ft_status ft__hf_read_shape(ft__hf *h) {
    const ft__hf_family *f = h->family;
    uint64_t *d = h->dim, n_ctx = 0;
    double eps = 1e-6;
    ft_status status;
    d[FT__HF_ONE] = 1;
    if ((status = ft__hf_int(h, "hidden_size", 1 << 20, 0, &d[FT__HF_D])) ||
        (status = ft__hf_int(h, "num_hidden_layers", 4096, 0, &d[FT__HF_L])) ||
        (status = ft__hf_int(h, "intermediate_size", 1 << 24, 0, &d[FT__HF_F])) ||
        (status = ft__hf_int(h, "num_attention_heads", 4096, f->n_heads, &d[FT__HF_H])) ||
        (status = ft__hf_int(h, "num_key_value_heads", d[FT__HF_H], f->n_kv_heads ? f->n_kv_heads : d[FT__HF_H],
                             &d[FT__HF_HKV])) ||
        (status = ft__hf_int(h, "head_dim", 65536, f->head_dim ? f->head_dim : d[FT__HF_D] / d[FT__HF_H],
                             &d[FT__HF_HD])) ||
        (status = ft__hf_int(h, "max_position_embeddings", 1 << 28, f->n_ctx, &n_ctx)) ||
        (status = ft__hf_number(h, h->config, "rms_norm_eps", f->n_heads == 0, &eps)) ||
        (status = ft__hf_read_activation(h)) || (status = ft__hf_read_biases(h)))
        return status;
    if (!(eps >= 0 && eps <= 1))
        return ft__hf_config_fail(h, FT_ERR_FORMAT, "rms_norm_eps", "must be a number from 0 to 1");
    if (d[FT__HF_HD] % 2 || d[FT__HF_H] % d[FT__HF_HKV])
        return ft__hf_config_fail(h, FT_ERR_FORMAT, "num_attention_heads",
                                  "%llu heads of %llu over %llu KV heads: expected an even size and a whole ratio",
                                  (unsigned long long)d[FT__HF_H], (unsigned long long)d[FT__HF_HD],
                                  (unsigned long long)d[FT__HF_HKV]);
    d[FT__HF_Q] = d[FT__HF_H] * d[FT__HF_HD];
    d[FT__HF_KV] = d[FT__HF_HKV] * d[FT__HF_HD];
    d[FT__HF_QKV] = d[FT__HF_Q] + 2 * d[FT__HF_KV];
    d[FT__HF_2F] = 2 * d[FT__HF_F];
    d[FT__HF_CTX] = n_ctx;
    ft__hf_put_int(h, "block_count", d[FT__HF_L]);
    ft__hf_put_int(h, "embedding_length", d[FT__HF_D]);
    ft__hf_put_int(h, "feed_forward_length", d[FT__HF_F]);
    ft__hf_put_int(h, "attention.head_count", d[FT__HF_H]);
    ft__hf_put_int(h, "attention.head_count_kv", d[FT__HF_HKV]);
    ft__hf_put_int(h, "attention.key_length", d[FT__HF_HD]);
    ft__hf_put_int(h, "attention.value_length", d[FT__HF_HD]);
    ft__hf_put_float(h, "attention.layer_norm_rms_epsilon", eps);
    return h->flags & FT__HF_EXPERTS ? ft__hf_read_experts(h) : FT_OK;
}

/* ---- windows */

/* layer_types to flags, true = local; *local is NULL where config.json has none. */
static ft_status ft__hf_read_layer_types(ft__hf *h, uint8_t **local) {
    const ft__json *types = ft__hf_get(h->config, "layer_types");
    const uint64_t n = h->dim[FT__HF_L];
    size_t i = 0;
    *local = NULL;
    if (!types) return FT_OK;
    if (types->type != FT__JSON_ARRAY || types->count != n)
        return ft__hf_config_fail(h, FT_ERR_FORMAT, "layer_types", "must have one entry for each of %llu layers",
                                  (unsigned long long)n);
    *local = (uint8_t *)ft__arena_alloc(&h->arena, (size_t)n, 1);
    if (!*local) return ft__fail_memory(h->err);
    for (const ft__json *t = types->child; t; t = t->next, i++) {
        const char *word = t->type == FT__JSON_STRING ? t->text : "";
        (*local)[i] = strcmp(word, "sliding_attention") == 0;
        if (!(*local)[i] && strcmp(word, "full_attention") != 0)
            return ft__hf_config_fail(h, FT_ERR_UNSUPPORTED, "layer_types",
                                      "found \"%.40s\", this version has full_attention and sliding_attention",
                                      word);
    }
    return FT_OK;
}

/* Gemma: layer i is local unless it is the last of a group; the key is written where it is not the usual. */
static ft_status ft__hf_read_pattern(ft__hf *h, const uint8_t *local) {
    const bool third = (h->flags & FT__HF_QK_NORM) != 0;
    const uint64_t usual = third ? 6 : 2;
    uint64_t period = usual;
    char name[96];
    ft_status status = ft__hf_int(h, "sliding_window_pattern", 4096, usual, &period);
    if (!status && !ft__hf_get(h->config, "sliding_window_pattern"))
        status = ft__hf_int(h, "_sliding_window_pattern", 4096, usual, &period);
    if (status || !local) {
        if (!status && period != usual) ft__hf_put_int(h, "attention.sliding_window_pattern", period);
        return status;
    }
    bool as_usual = true;
    for (uint64_t i = 0; i < h->dim[FT__HF_L]; i++) as_usual = as_usual && local[i] == (i % usual < usual - 1);
    if (!as_usual)
        ft__gguf_make_array(h->g, ft__hf_key(h, name, "attention.sliding_window_pattern"), FT__GGUF_BOOL, local,
                            (size_t)h->dim[FT__HF_L]);
    return FT_OK;
}

/* Architectures without windows see every key; up to the window's length that is the same, so the context
   ends there. */
static ft_status ft__hf_read_window(ft__hf *h) {
    uint64_t window = 0;
    uint8_t *local;
    bool asked = !(h->flags & FT__HF_WINDOW_ASKED), has = ft__hf_get(h->config, "sliding_window") != NULL;
    ft_status status = ft__hf_read_layer_types(h, &local);
    if (!status) status = ft__hf_bool(h, "use_sliding_window", &asked);
    if (!status && has) status = ft__hf_int(h, "sliding_window", 1 << 28, 0, &window);
    if (status) return status;
    bool any_local = !local;
    for (uint64_t i = 0; local && i < h->dim[FT__HF_L]; i++) any_local = any_local || local[i];
    if (h->flags & FT__HF_GEMMA) {
        if (!has && ft__json_get(h->config, "sliding_window"))
            return ft__hf_config_fail(h, FT_ERR_UNSUPPORTED, "sliding_window", "must not be null");
        if (!has) window = 4096; /* both families' default */
        ft__hf_put_int(h, "attention.sliding_window", window);
        status = ft__hf_read_pattern(h, local);
    } else if (has && asked && any_local && (h->flags & FT__HF_WINDOW)) {
        ft__hf_put_int(h, "attention.sliding_window", window);
    } else if (has && asked && any_local && window < h->dim[FT__HF_CTX]) {
        h->dim[FT__HF_CTX] = window;
    } else if (!has && local && any_local) {
        status = ft__hf_config_fail(h, FT_ERR_FORMAT, "sliding_window", "is missing, layer_types wants it");
    }
    ft__hf_put_int(h, "context_length", h->dim[FT__HF_CTX]);
    return status;
}

/* ---- rope */

static double ft__hf_rope_number(ft__hf *h, const char *key, double otherwise) {
    const ft__json *v = ft__hf_get(h->rope, key);
    return v ? v->number : otherwise;
}

/* Llama 3.1's factors: long waves are slowed down, short ones stay, those between are mixed. */
static ft_status ft__hf_rope_llama3(ft__hf *h, double theta) {
    const double two_pi = 6.283185307179586;
    const double factor = ft__hf_rope_number(h, "factor", 0), low = ft__hf_rope_number(h, "low_freq_factor", 0),
                 high = ft__hf_rope_number(h, "high_freq_factor", 0),
                 original = ft__hf_rope_number(h, "original_max_position_embeddings", 0);
    const size_t n = (size_t)h->dim[FT__HF_HD] / 2;
    const uint64_t ne[1] = {n};
    if (factor < 1 || low <= 0 || high <= low || original < 1)
        return ft__hf_config_fail(h, FT_ERR_FORMAT, "rope_scaling",
                                  "llama3 needs factor, low_freq_factor, high_freq_factor and "
                                  "original_max_position_embeddings that make sense");
    float *factors = (float *)ft__arena_alloc(&h->g->arena, n, sizeof *factors);
    if (!factors) return ft__fail_memory(h->err);
    for (size_t i = 0; i < n; i++) {
        double wave = two_pi * ft__pow(theta, (double)i / (double)n);
        double mix = (original / wave - low) / (high - low);
        factors[i] = (float)(wave < original / high ? 1
                             : wave > original / low ? factor
                                                     : 1 / ((1 - mix) / factor + mix));
    }
    ft__gguf_make_tensor(h->g, "rope_freqs.weight", 1, ne, 0, (const uint8_t *)factors);
    return FT_OK;
}

static ft_status ft__hf_rope_list(ft__hf *h, const char *field, const char *tensor, size_t n) {
    const ft__json *list = ft__hf_get(h->rope, field);
    const uint64_t ne[1] = {n};
    float *factors = (float *)ft__arena_alloc(&h->g->arena, n, sizeof *factors);
    size_t i = 0;
    if (!factors) return ft__fail_memory(h->err);
    if (!list || list->type != FT__JSON_ARRAY || list->count != n)
        return ft__hf_config_fail(h, FT_ERR_FORMAT, field, "must be an array of %zu numbers", n);
    for (const ft__json *v = list->child; v; v = v->next) {
        if (v->type != FT__JSON_NUMBER || v->number <= 0)
            return ft__hf_config_fail(h, FT_ERR_FORMAT, field, "[%zu] must be a number over 0", i);
        factors[i++] = (float)v->number;
    }
    ft__gguf_make_tensor(h->g, tensor, 1, ne, 0, (const uint8_t *)factors);
    return FT_OK;
}

/* Phi-3: two lists of factors; cos and sin grow with the stretch. */
static ft_status ft__hf_rope_long(ft__hf *h, uint64_t n_rot) {
    const double context = (double)h->dim[FT__HF_CTX];
    double original = ft__hf_rope_number(h, "original_max_position_embeddings", 0), scale = 1;
    ft_status status =
        ft__hf_number(h, h->config, "original_max_position_embeddings", original <= 0, &original);
    if (status) return status;
    if (original < 2)
        return ft__hf_config_fail(h, FT_ERR_FORMAT, "original_max_position_embeddings", "must be at least 2");
    if (context > original) scale = ft__sqrt(1 + ft__log(context / original) / ft__log(original));
    scale = ft__hf_rope_number(h, "attention_factor", scale);
    ft__hf_put_int(h, "rope.scaling.original_context_length", (uint64_t)original);
    ft__hf_put_float(h, "rope.scaling.attn_factor", scale);
    status = ft__hf_rope_list(h, "long_factor", "rope_factors_long.weight", (size_t)n_rot / 2);
    return status ? status
                  : ft__hf_rope_list(h, "short_factor", "rope_factors_short.weight", (size_t)n_rot / 2);
}

static ft_status ft__hf_rope_factor(ft__hf *h, const char *type) {
    const double factor = ft__hf_rope_number(h, "factor", 0);
    char name[96];
    if (!(factor >= 1))
        return ft__hf_config_fail(h, FT_ERR_FORMAT, "rope_scaling", "%s needs a factor of 1 or more", type);
    ft__gguf_make_string(h->g, ft__hf_key(h, name, "rope.scaling.type"), type, strlen(type));
    ft__hf_put_float(h, "rope.scaling.factor", factor);
    return FT_OK;
}

/* GGUF's YaRN has the usual betas built in, and of attention_factor what it is by default. */
static ft_status ft__hf_rope_yarn(ft__hf *h) {
    static const char *const built_in[] = {"mscale", "mscale_all_dim"};
    const double factor = ft__hf_rope_number(h, "factor", 1);
    const double usual = factor > 1 ? 1 + 0.1 * ft__log(factor) : 1;
    const double attention = ft__hf_rope_number(h, "attention_factor", usual);
    const double original =
        ft__hf_rope_number(h, "original_max_position_embeddings", (double)h->dim[FT__HF_CTX]);
    const ft__json *truncate = ft__hf_get(h->rope, "truncate");
    const double fast = ft__hf_rope_number(h, "beta_fast", 32), slow = ft__hf_rope_number(h, "beta_slow", 1);
    for (size_t i = 0; i < FT__COUNT(built_in); i++)
        if (ft__hf_get(h->rope, built_in[i]))
            return ft__hf_config_fail(h, FT_ERR_UNSUPPORTED, built_in[i], "is not in this version");
    if (fast < 32 || fast > 32 || slow < 1 || slow > 1 || (truncate && truncate->type == FT__JSON_FALSE))
        return ft__hf_config_fail(h, FT_ERR_UNSUPPORTED, "rope_scaling",
                                  "this version has YaRN with beta_fast 32, beta_slow 1 and truncate alone");
    if (!(original >= 1 && original <= 268435456.0))
        return ft__hf_config_fail(h, FT_ERR_FORMAT, "original_max_position_embeddings",
                                  "must be a number from 1 on");
    if (!(attention > 0 && attention <= 1e6))
        return ft__hf_config_fail(h, FT_ERR_FORMAT, "attention_factor", "must be a number over 0");
    if (attention < usual || attention > usual)
        ft__hf_put_float(h, "rope.scaling.attn_factor", attention / usual);
    ft__hf_put_int(h, "rope.scaling.original_context_length", (uint64_t)original);
    return ft__hf_rope_factor(h, "yarn");
}

/* Nothing that is not a number may pass for an absent one. */
static ft_status ft__hf_check_rope(ft__hf *h) {
    static const char *const numbers[] = {"factor", "low_freq_factor", "high_freq_factor", "beta_fast",
                                          "beta_slow", "attention_factor", "original_max_position_embeddings"};
    if (!h->rope) return FT_OK;
    if (h->rope->type != FT__JSON_OBJECT)
        return ft__hf_config_fail(h, FT_ERR_FORMAT, h->rope->key, "must be an object, found %s",
                                  ft__json_type_name(h->rope->type));
    for (size_t i = 0; i < FT__COUNT(numbers); i++) {
        const ft__json *v = ft__hf_get(h->rope, numbers[i]);
        if (v && v->type != FT__JSON_NUMBER)
            return ft__hf_config_fail(h, FT_ERR_FORMAT, h->rope->key, "%s must be a number, found %s",
                                      numbers[i], ft__json_type_name(v->type));
    }
    return FT_OK;
}

/* Newer files have one "rope_parameters", which Gemma 3 divides by the kind of layer. */
static ft_status ft__hf_read_rope(ft__hf *h) {
    const ft__json *all = ft__hf_get(h->config, "rope_parameters"), *part = ft__hf_get(all, "full_attention");
    const ft__json *local = ft__hf_get(all, "sliding_attention");
    double theta = h->family->rope_theta, local_theta = 10000, share = 1;
    h->rope = part ? part : all ? all : ft__hf_get(h->config, "rope_scaling");
    ft_status status = ft__hf_check_rope(h);
    if (!status) status = ft__hf_number(h, h->config, "rope_theta", false, &theta);
    if (!status) status = ft__hf_number(h, h->rope, "rope_theta", false, &theta);
    if (!status) status = ft__hf_number(h, h->config, "rope_local_base_freq", false, &local_theta);
    if (!status) status = ft__hf_number(h, local, "rope_theta", false, &local_theta);
    if (!status && (h->flags & FT__HF_PARTIAL)) {
        status = ft__hf_number(h, h->config, "partial_rotary_factor", false, &share);
        if (!status) status = ft__hf_number(h, h->rope, "partial_rotary_factor", false, &share);
    }
    if (status) return status;
    if (!(theta > 1) || !(local_theta > 1) || !(share > 0 && share <= 1))
        return ft__hf_config_fail(h, FT_ERR_FORMAT, "rope_theta", "the rope parameters make no sense");
    const uint64_t n_rot = (uint64_t)((double)h->dim[FT__HF_HD] * share);
    ft__hf_put_int(h, "rope.dimension_count", n_rot);
    ft__hf_put_float(h, "rope.freq_base", theta);
    if ((h->flags & FT__HF_GEMMA) && (h->flags & FT__HF_QK_NORM))
        ft__hf_put_float(h, "rope.freq_base_swa", local_theta);
    const char *type = ft__hf_word(h->rope, "rope_type", ft__hf_word(h->rope, "type", "default"));
    /* "dynamic" changes nothing before the context is longer than the model was made for */
    if (strcmp(type, "default") == 0 || strcmp(type, "dynamic") == 0) return FT_OK;
    if (strcmp(type, "linear") == 0) return ft__hf_rope_factor(h, "linear");
    if (strcmp(type, "yarn") == 0) return ft__hf_rope_yarn(h);
    if (strcmp(type, "llama3") == 0) return ft__hf_rope_llama3(h, theta);
    if ((h->flags & FT__HF_PARTIAL) && (strcmp(type, "longrope") == 0 || strcmp(type, "su") == 0))
        return ft__hf_rope_long(h, n_rot);
    return ft__hf_config_fail(h, FT_ERR_UNSUPPORTED, "rope_scaling",
                              "rope type \"%.40s\" is not in this version", type);
}

/* ---- what single families have */

/* Which scores are divided by what follows from the architecture and the number of layers. */
static ft_status ft__hf_read_gemma(ft__hf *h) {
    const bool third = (h->flags & FT__HF_QK_NORM) != 0;
    const bool wide = h->dim[FT__HF_L] == (third ? 62u : 46u);
    const double scalar = wide ? (double)(h->dim[FT__HF_D] / h->dim[FT__HF_H]) : (double)h->dim[FT__HF_HD];
    double attn = 50, final = 30, found = 256;
    const ft__json *attn_cap = ft__json_get(h->config, "attn_logit_softcapping");
    const ft__json *final_cap = ft__json_get(h->config, "final_logit_softcapping");
    bool both_ways = false;
    ft_status status = ft__hf_number(h, h->config, "query_pre_attn_scalar", false, &found);
    if (!status && (found < scalar || found > scalar))
        return ft__hf_config_fail(h, FT_ERR_UNSUPPORTED, "query_pre_attn_scalar",
                                  "found %lld, this version computes with %lld", (long long)found,
                                  (long long)scalar);
    if (!status) status = ft__hf_bool(h, "use_bidirectional_attention", &both_ways);
    if (!status && both_ways)
        status = ft__hf_config_fail(h, FT_ERR_UNSUPPORTED, "use_bidirectional_attention", "must be false");
    if (!status) status = ft__hf_number(h, h->config, "attn_logit_softcapping", false, &attn);
    if (!status) status = ft__hf_number(h, h->config, "final_logit_softcapping", false, &final);
    if (status) return status;
    if (third) {
        if (attn_cap && attn_cap->type != FT__JSON_NULL)
            return ft__hf_config_fail(h, FT_ERR_UNSUPPORTED, "attn_logit_softcapping", "must be null");
        if (final_cap && final_cap->type != FT__JSON_NULL) ft__hf_put_float(h, "final_logit_softcapping", final);
        return FT_OK;
    }
    if ((attn_cap && attn_cap->type == FT__JSON_NULL) || (final_cap && final_cap->type == FT__JSON_NULL))
        return ft__hf_config_fail(h, FT_ERR_UNSUPPORTED, "attn_logit_softcapping",
                                  "this version has gemma2 only with both soft caps");
    ft__hf_put_float(h, "attn_logit_softcapping", attn);
    ft__hf_put_float(h, "final_logit_softcapping", final);
    return FT_OK;
}

static ft_status ft__hf_read_nope(ft__hf *h) {
    const ft__json *turned = ft__hf_get(h->config, "no_rope_layers");
    size_t i = 0;
    if (!turned || turned->type != FT__JSON_ARRAY || turned->count == 0)
        return ft__hf_expect(h, "no_rope_layer_interval", 4);
    if (turned->count != h->dim[FT__HF_L])
        return ft__hf_config_fail(h, FT_ERR_FORMAT, "no_rope_layers",
                                  "has %zu entries, expected one for each of %llu layers", turned->count,
                                  (unsigned long long)h->dim[FT__HF_L]);
    for (const ft__json *v = turned->child; v; v = v->next, i++) {
        const bool turns = ft__json_is_integer(v, 1, 1) || v->type == FT__JSON_TRUE;
        if (turns == ((i + 1) % 4 == 0))
            return ft__hf_config_fail(h, FT_ERR_UNSUPPORTED, "no_rope_layers",
                                      "[%zu]: this version has every fourth layer without rope", i);
    }
    return FT_OK;
}

static ft_status ft__hf_read_granite(ft__hf *h) {
    static const char *const fields[4][2] = {{"embedding_multiplier", "embedding_scale"},
                                             {"attention_multiplier", "attention.scale"},
                                             {"residual_multiplier", "residual_scale"},
                                             {"logits_scaling", "logit_scale"}};
    for (size_t i = 0; i < FT__COUNT(fields); i++) {
        double value = 1; /* the class's default of all four */
        ft_status status = ft__hf_number(h, h->config, fields[i][0], false, &value);
        if (status) return status;
        ft__hf_put_float(h, fields[i][1], value);
    }
    return FT_OK;
}

FT__PRIV ft_status ft__hf_read_config(ft__hf *h) {
    const char *slash = h->folder + strlen(h->folder);
    ft_status status = ft__hf_json(h, "config.json", &h->root);
    if (status) return status;
    if (!h->root) return ft__hf_fail(h, FT_ERR_NOT_FOUND, "config.json", NULL, "the file is missing");
    if ((status = ft__hf_find_family(h))) return status;
    while (slash > h->folder && slash[-1] == '/') slash--;
    const char *end = slash;
    while (slash > h->folder && slash[-1] != '/') slash--;
    ft__gguf_make_string(h->g, "general.architecture", h->family->architecture,
                         strlen(h->family->architecture));
    h->name = ft__arena_text(&h->arena, slash, (size_t)(end - slash));
    if (!h->name) return ft__fail_memory(h->err);
    if ((status = ft__hf_read_shape(h)) || (status = ft__hf_read_rope(h)) || (status = ft__hf_read_window(h)))
        return status;
    if (h->flags & FT__HF_GEMMA) status = ft__hf_read_gemma(h);
    if (!status && (h->flags & FT__HF_NOPE)) status = ft__hf_read_nope(h);
    if (!status && (h->flags & FT__HF_GRANITE)) status = ft__hf_read_granite(h);
    return status;
}
