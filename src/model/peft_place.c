/* Which tensor of the base's file a module of PEFT is.  The general names are those of hf.c's table; here stand
   those of architectures whose folders hf.c does not read. */
#include "peft.h"

/* What the architectures need of the rules in hf.c. */
static const struct {
    const char *arch;
    unsigned flags;
} ft__peft_bases[] = {
    {"llama", FT__HF_PAIRS},      {"granite", FT__HF_PAIRS},   {"smollm3", FT__HF_PAIRS},
    {"mistral3", FT__HF_PAIRS},   {"gemma2", FT__HF_PLUS_ONE}, {"gemma3", FT__HF_PLUS_ONE},
    {"qwen35", FT__HF_PLUS_ONE},  {"qwen35moe", FT__HF_PLUS_ONE}, {"phi3", FT__HF_FUSED},
};

/* Names that hf.c, which reads no such folders, does not have.  For its architecture such a row replaces the
   general one of the same place. */
typedef struct ft__peft_row {
    const char *arch;
    ft__hf_tensor_row row;
} ft__peft_row;
#define FT__PEFT_ROW(arch, hf, gguf, how, rows) {arch, {hf, gguf, 0, 0, how, rows, FT__HF_D, 0}}
#define FT__PEFT_MAP(arch, hf, gguf) FT__PEFT_ROW(arch, hf ".weight", gguf ".weight", FT__HF_MATRIX, FT__HF_D)
#define FT__PEFT_VECTOR(arch, hf, gguf) FT__PEFT_ROW(arch, hf ".weight", gguf ".weight", FT__HF_FLOATS, 0)
#define FT__PEFT_SHARED(arch, hf)                               \
    FT__PEFT_MAP(arch, hf ".gate_proj", "ffn_gate_shexp"),      \
        FT__PEFT_MAP(arch, hf ".up_proj", "ffn_up_shexp"),      \
        FT__PEFT_MAP(arch, hf ".down_proj", "ffn_down_shexp")
static const ft__peft_row ft__peft_rows[] = {
    FT__PEFT_SHARED("glm4moe", "mlp.shared_experts"),
    FT__PEFT_SHARED("deepseek2", "mlp.shared_experts"),
    FT__PEFT_MAP("deepseek2", "self_attn.q_a_proj", "attn_q_a"),
    FT__PEFT_VECTOR("deepseek2", "self_attn.q_a_layernorm", "attn_q_a_norm"),
    FT__PEFT_MAP("deepseek2", "self_attn.q_b_proj", "attn_q_b"),
    FT__PEFT_MAP("deepseek2", "self_attn.kv_a_proj_with_mqa", "attn_kv_a_mqa"),
    FT__PEFT_VECTOR("deepseek2", "self_attn.kv_a_layernorm", "attn_kv_a_norm"),
    FT__PEFT_SHARED("qwen35moe", "mlp.shared_expert"),
    FT__PEFT_SHARED("llama4", "feed_forward.shared_expert"),
    FT__PEFT_MAP("llama4", "feed_forward.gate_proj", "ffn_gate"),
    FT__PEFT_MAP("llama4", "feed_forward.up_proj", "ffn_up"),
    FT__PEFT_MAP("llama4", "feed_forward.down_proj", "ffn_down"),
    FT__PEFT_MAP("llama4", "feed_forward.router", "ffn_gate_inp"),
    FT__PEFT_MAP("lfm2", "self_attn.out_proj", "attn_output"),
    FT__PEFT_VECTOR("lfm2", "self_attn.q_layernorm", "attn_q_norm"),
    FT__PEFT_VECTOR("lfm2", "self_attn.k_layernorm", "attn_k_norm"),
    FT__PEFT_VECTOR("lfm2", "operator_norm", "attn_norm"),
    FT__PEFT_VECTOR("lfm2", "ffn_norm", "ffn_norm"),
    FT__PEFT_MAP("lfm2", "feed_forward.w1", "ffn_gate"),
    FT__PEFT_MAP("lfm2", "feed_forward.w3", "ffn_up"),
    FT__PEFT_MAP("lfm2", "feed_forward.w2", "ffn_down"),
    FT__PEFT_MAP("lfm2", "conv.in_proj", "shortconv.in_proj"),
    FT__PEFT_MAP("lfm2", "conv.out_proj", "shortconv.out_proj"),
    FT__PEFT_ROW("gpt-oss", "mlp.router.weight", "ffn_gate_inp.weight", FT__HF_FLOATS, FT__HF_D),
    FT__PEFT_ROW("gpt-oss", "mlp.router.bias", "ffn_gate_inp.bias", FT__HF_FLOATS, 0),
};
#undef FT__PEFT_ROW
#undef FT__PEFT_MAP
#undef FT__PEFT_VECTOR
#undef FT__PEFT_SHARED

/* Outside of the layers. */
static const ft__hf_tensor_row ft__peft_global_rows[] = {
    {"embed_tokens.weight", "token_embd.weight", 0, 0, FT__HF_MATRIX, FT__HF_V, FT__HF_D, 0},
    {"lm_head.weight", "output.weight", 0, 0, FT__HF_MATRIX, FT__HF_V, FT__HF_D, 0},
    {"norm.weight", "output_norm.weight", 0, 0, FT__HF_NORM, 0, FT__HF_D, 0},
    {"embedding_norm.weight", "token_embd_norm.weight", 0, 0, FT__HF_NORM, 0, FT__HF_D, 0},
};
FT__PRIV const ft__hf_tensor_row *ft__peft_row_at(const ft__peft *p, size_t i, bool *counts) {
    const char *arch = p->base->info.architecture;
    size_t n = 0;
    while (ft__hf_row_at(n)) n++;
    if (i >= n) {
        if (i - n >= FT__COUNT(ft__peft_rows)) return NULL;
        *counts = strcmp(ft__peft_rows[i - n].arch, arch) == 0;
        return &ft__peft_rows[i - n].row;
    }
    const ft__hf_tensor_row *row = ft__hf_row_at(i);
    const unsigned fused = p->h.flags & FT__HF_FUSED;
    *counts = (row->all & FT__HF_FUSED & ~fused) == 0 && (row->none & fused) == 0;
    for (size_t k = 0; k < FT__COUNT(ft__peft_rows) && *counts; k++)
        *counts = strcmp(ft__peft_rows[k].arch, arch) != 0 || strcmp(ft__peft_rows[k].row.gguf, row->gguf) != 0;
    return row;
}

/* "mlp.experts.%d.up_proj" and the like, where %d is a number. */
static bool ft__peft_fits(const char *pattern, const char *name) {
    const char *number = strstr(pattern, "%d");
    if (!number) return strcmp(pattern, name) == 0;
    const size_t n = (size_t)(number - pattern);
    if (strncmp(pattern, name, n) != 0 || name[n] < '0' || name[n] > '9') return false;
    for (name += n; *name >= '0' && *name <= '9';) name++;
    return strcmp(number + 2, name) == 0;
}

FT__PRIV const char *ft__peft_rest(const char *module, const char **prefix) {
    static const char *const prefixes[] = {"model.language_model.", "language_model.model.", "language_model.",
                                           "model.", ""};
    size_t i = 0;
    while (strncmp(module, prefixes[i], strlen(prefixes[i])) != 0) i++;
    *prefix = prefixes[i];
    return module + strlen(prefixes[i]);
}

static bool ft__peft_try(const ft__peft *p, const ft__hf_tensor_row *row, const char *name, ft__peft_place *place) {
    const ft__gguf_tensor *w = ft__gguf_find(&p->base->file, name);
    if (!w && strcmp(name, FT__PEFT_HEAD) == 0) w = ft__gguf_find(&p->base->file, FT__PEFT_EMBEDDING);
    if (!w) return false;
    place->row = row;
    place->w = w;
    snprintf(place->name, sizeof place->name, "%s", name);
    return true;
}

/* Of several rows whose tensor the base has the last counts: a norm after attention before one of the gated
   unit. */
FT__PRIV bool ft__peft_find_place(ft__peft *p, const char *module, const char *leaf, ft__peft_place *place) {
    char full[256], name[128];
    const char *prefix, *rest = ft__peft_rest(module, &prefix);
    bool found = false, counts;
    int layer = 0;
    snprintf(full, sizeof full, "%s%s", rest, leaf);
    for (size_t i = 0; i < FT__COUNT(ft__peft_global_rows); i++)
        if (strcmp(ft__peft_global_rows[i].hf, full) == 0)
            return ft__peft_try(p, &ft__peft_global_rows[i], ft__peft_global_rows[i].gguf, place);
    if (strncmp(full, "layers.", 7) != 0) return false;
    const char *at = full + 7;
    for (; *at >= '0' && *at <= '9' && layer < 100000; at++) layer = layer * 10 + (*at - '0');
    if (at == full + 7 || *at++ != '.' || layer >= p->base->info.n_layers) return false;
    p->h.prefix = prefix;
    const ft__hf_tensor_row *row;
    for (size_t i = 0; (row = ft__peft_row_at(p, i, &counts)) != NULL; i++) {
        if (!counts || !ft__peft_fits(row->hf, at)) continue;
        snprintf(name, sizeof name, "blk.%d.%s", layer, row->gguf);
        found = ft__peft_try(p, row, name, place) || found;
    }
    return found;
}

FT__PRIV unsigned ft__peft_flags(const ft_model *base) {
    for (size_t i = 0; i < FT__COUNT(ft__peft_bases); i++)
        if (strcmp(ft__peft_bases[i].arch, base->info.architecture) == 0) return ft__peft_bases[i].flags;
    return 0;
}
