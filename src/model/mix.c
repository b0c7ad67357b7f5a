/* Which type each tensor gets when a model is quantised.  A file type is a name for a mix: most matrices have
   its type, those that suffer more (the head, values, the second half of the gated unit) a better one, and
   small or touchy ones stay as they are.  The mixes are those that llama.cpp's quantizer makes of the same
   names without an importance matrix, so that files compare; the rules are one table. */
#include "model.h"

/* Ids of the formats that num.h has no name for. */
enum {
    FT__MIX_F32 = FT__FORMAT_F32, FT__MIX_F16 = FT__FORMAT_F16, FT__MIX_BF16 = FT__FORMAT_BF16,
    FT__MIX_Q4_0 = FT__FORMAT_Q4_0, FT__MIX_Q4_1 = 3, FT__MIX_Q5_0 = 6, FT__MIX_Q5_1 = 7,
    FT__MIX_Q8_0 = FT__FORMAT_Q8_0, FT__MIX_Q2_K = 10, FT__MIX_Q3_K = 11, FT__MIX_Q4_K = FT__FORMAT_Q4_K,
    FT__MIX_Q5_K = 13, FT__MIX_Q6_K = FT__FORMAT_Q6_K, FT__MIX_IQ4_NL = 20, FT__MIX_IQ4_XS = 23,
    FT__MIX_MXFP4 = 39
};

/* The numbers of general.file_type. */
enum {
    FT__MIX_ALL_Q2_K = 10, FT__MIX_ALL_Q3_K_S = 11, FT__MIX_ALL_Q3_K_M = 12, FT__MIX_ALL_Q3_K_L = 13,
    FT__MIX_ALL_Q4_K_S = 14, FT__MIX_ALL_Q4_K_M = 15, FT__MIX_ALL_Q5_K_M = 17, FT__MIX_ALL_IQ4_NL = 25,
    FT__MIX_ALL_IQ4_XS = 30, FT__MIX_ALL_MXFP4 = 38
};

static const ft__mix ft__mix_rows[] = {
    {"F32", 0, FT__MIX_F32}, {"F16", 1, FT__MIX_F16}, {"BF16", 32, FT__MIX_BF16},
    {"Q8_0", 7, FT__MIX_Q8_0}, {"Q6_K", 18, FT__MIX_Q6_K},
    {"Q5_0", 8, FT__MIX_Q5_0}, {"Q5_1", 9, FT__MIX_Q5_1},
    {"Q5_K_S", 16, FT__MIX_Q5_K}, {"Q5_K_M", FT__MIX_ALL_Q5_K_M, FT__MIX_Q5_K},
    {"Q4_0", 2, FT__MIX_Q4_0}, {"Q4_1", 3, FT__MIX_Q4_1},
    {"Q4_K_S", FT__MIX_ALL_Q4_K_S, FT__MIX_Q4_K}, {"Q4_K_M", FT__MIX_ALL_Q4_K_M, FT__MIX_Q4_K},
    {"IQ4_NL", FT__MIX_ALL_IQ4_NL, FT__MIX_IQ4_NL}, {"IQ4_XS", FT__MIX_ALL_IQ4_XS, FT__MIX_IQ4_XS},
    {"Q3_K_S", FT__MIX_ALL_Q3_K_S, FT__MIX_Q3_K}, {"Q3_K_M", FT__MIX_ALL_Q3_K_M, FT__MIX_Q3_K},
    {"Q3_K_L", FT__MIX_ALL_Q3_K_L, FT__MIX_Q3_K}, {"Q2_K", FT__MIX_ALL_Q2_K, FT__MIX_Q2_K},
    {"MXFP4", FT__MIX_ALL_MXFP4, FT__MIX_MXFP4}, {"MXFP4_MOE", FT__MIX_ALL_MXFP4, FT__MIX_MXFP4},
};

/* Kinds of tensors that rules speak of. */
typedef enum ft__mix_kind {
    FT__MIX_VALUES,  /* attn_v, or a tensor that has its rows */
    FT__MIX_KEYS, FT__MIX_ATTN_OUT, FT__MIX_DOWN, FT__MIX_OTHER
} ft__mix_kind;

typedef enum ft__mix_when {
    FT__MIX_ALWAYS,
    FT__MIX_SHARED,     /* four or more heads share keys and values */
    FT__MIX_EIGHT,      /* the model has eight experts */
    FT__MIX_NOT_EIGHT,
    FT__MIX_FIRST_2, FT__MIX_FIRST_4, FT__MIX_FIRST_8TH, FT__MIX_FIRST_16TH, /* of the layers */
    FT__MIX_MORE        /* the first and last eighth, and every third between */
} ft__mix_when;

typedef struct ft__mix_rule {
    uint32_t file_type;
    ft__mix_kind kind;
    ft__mix_when when;
    uint32_t type;
} ft__mix_rule;

enum { FT__MIX_ANY = 0xFFFF };

/* The first that applies. */
static const ft__mix_rule ft__mix_rules[] = {
    {FT__MIX_ANY, FT__MIX_VALUES, FT__MIX_EIGHT, FT__MIX_Q8_0},
    {FT__MIX_ANY, FT__MIX_KEYS, FT__MIX_EIGHT, FT__MIX_Q8_0},
    {FT__MIX_ALL_Q2_K, FT__MIX_ATTN_OUT, FT__MIX_EIGHT, FT__MIX_Q5_K},
    {FT__MIX_ALL_Q3_K_S, FT__MIX_ATTN_OUT, FT__MIX_EIGHT, FT__MIX_Q5_K},
    {FT__MIX_ALL_Q3_K_M, FT__MIX_ATTN_OUT, FT__MIX_EIGHT, FT__MIX_Q5_K},
    {FT__MIX_ALL_Q4_K_S, FT__MIX_ATTN_OUT, FT__MIX_EIGHT, FT__MIX_Q5_K},
    {FT__MIX_ALL_Q4_K_M, FT__MIX_ATTN_OUT, FT__MIX_EIGHT, FT__MIX_Q5_K},
    {FT__MIX_ALL_IQ4_NL, FT__MIX_ATTN_OUT, FT__MIX_EIGHT, FT__MIX_Q5_K},
    {FT__MIX_ALL_IQ4_XS, FT__MIX_ATTN_OUT, FT__MIX_EIGHT, FT__MIX_Q5_K},
    {FT__MIX_ALL_Q2_K, FT__MIX_VALUES, FT__MIX_SHARED, FT__MIX_Q4_K},
    {FT__MIX_ALL_Q2_K, FT__MIX_VALUES, FT__MIX_ALWAYS, FT__MIX_Q3_K},
    {FT__MIX_ALL_Q2_K, FT__MIX_DOWN, FT__MIX_ALWAYS, FT__MIX_Q3_K},
    {FT__MIX_ALL_Q2_K, FT__MIX_ATTN_OUT, FT__MIX_ALWAYS, FT__MIX_Q3_K},
    {FT__MIX_ALL_Q3_K_M, FT__MIX_VALUES, FT__MIX_FIRST_2, FT__MIX_Q5_K},
    {FT__MIX_ALL_Q3_K_M, FT__MIX_VALUES, FT__MIX_ALWAYS, FT__MIX_Q4_K},
    {FT__MIX_ALL_Q3_K_M, FT__MIX_DOWN, FT__MIX_FIRST_16TH, FT__MIX_Q5_K},
    {FT__MIX_ALL_Q3_K_M, FT__MIX_DOWN, FT__MIX_ALWAYS, FT__MIX_Q4_K},
    {FT__MIX_ALL_Q3_K_M, FT__MIX_ATTN_OUT, FT__MIX_ALWAYS, FT__MIX_Q4_K},
    {FT__MIX_ALL_Q3_K_L, FT__MIX_VALUES, FT__MIX_ALWAYS, FT__MIX_Q5_K},
    {FT__MIX_ALL_Q3_K_L, FT__MIX_DOWN, FT__MIX_ALWAYS, FT__MIX_Q5_K},
    {FT__MIX_ALL_Q3_K_L, FT__MIX_ATTN_OUT, FT__MIX_NOT_EIGHT, FT__MIX_Q5_K},
    {FT__MIX_ALL_Q4_K_S, FT__MIX_VALUES, FT__MIX_FIRST_4, FT__MIX_Q5_K},
    {FT__MIX_ALL_Q4_K_S, FT__MIX_DOWN, FT__MIX_FIRST_8TH, FT__MIX_Q5_K},
    {FT__MIX_ALL_Q4_K_M, FT__MIX_VALUES, FT__MIX_MORE, FT__MIX_Q6_K},
    {FT__MIX_ALL_Q4_K_M, FT__MIX_DOWN, FT__MIX_MORE, FT__MIX_Q6_K},
    {FT__MIX_ALL_Q5_K_M, FT__MIX_VALUES, FT__MIX_MORE, FT__MIX_Q6_K},
    {FT__MIX_ALL_Q5_K_M, FT__MIX_DOWN, FT__MIX_MORE, FT__MIX_Q6_K},
    {FT__MIX_ALL_IQ4_NL, FT__MIX_VALUES, FT__MIX_SHARED, FT__MIX_Q5_K},
    {FT__MIX_ALL_IQ4_NL, FT__MIX_DOWN, FT__MIX_FIRST_8TH, FT__MIX_Q5_K},
    {FT__MIX_ALL_IQ4_XS, FT__MIX_VALUES, FT__MIX_SHARED, FT__MIX_Q5_K},
    {FT__MIX_ALL_IQ4_XS, FT__MIX_DOWN, FT__MIX_FIRST_8TH, FT__MIX_Q5_K},
};

/* What takes the place of a type where rows are no multiple of its blocks. */
static const uint32_t ft__mix_fallbacks[][2] = {
    {FT__MIX_Q2_K, FT__MIX_Q4_0}, {FT__MIX_Q3_K, FT__MIX_Q4_0},     {FT__MIX_Q4_K, FT__MIX_Q5_0},
    {FT__MIX_Q5_K, FT__MIX_Q5_1}, {FT__MIX_Q6_K, FT__MIX_Q8_0}, {FT__MIX_IQ4_XS, FT__MIX_IQ4_NL}};

FT__PRIV ft_status ft__mix_find(const char *name, const ft__mix **mix, ft_error *err) {
    char names[256] = "";
    for (size_t i = 0; i < FT__COUNT(ft__mix_rows); i++)
        if (strcmp(ft__mix_rows[i].name, name) == 0) {
            *mix = &ft__mix_rows[i];
            return FT_OK;
        }
    for (size_t i = 0, n = 0; i < FT__COUNT(ft__mix_rows) && n < sizeof names; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, i ? ", %s" : "%s", ft__mix_rows[i].name);
    return ft__fail(err, FT_ERR_ARGUMENT, "type", "found \"%.32s\", expected one of %s", name, names);
}

const char *ft_quantize_type_at(int index) {
    return index >= 0 && index < (int)FT__COUNT(ft__mix_rows) ? ft__mix_rows[index].name : NULL;
}

/* ---- a model's tensors */

typedef struct ft__mix_model {
    const ft__mix *mix;
    int n_layers, n_experts;
    int shared;          /* heads that share one of keys and values; 0: not known */
    bool tied;           /* the embedding is the head */
    bool wide_80;        /* a llama or qwen2 of 80 layers, whose values are small beside the rest */
    int *n_values;       /* (n_layers + 1) tensors of values in the layers before */
} ft__mix_model;

static int ft__mix_layer(const ft__mix_model *m, const char *name) {
    int layer = 0;
    if (strncmp(name, "blk.", 4) != 0) return 0;
    for (name += 4; *name >= '0' && *name <= '9' && layer < m->n_layers; name++) layer = 10 * layer + (*name - '0');
    return layer < m->n_layers ? layer : m->n_layers - 1;
}

static ft__mix_kind ft__mix_kind_of(const char *name) {
    static const struct { const char *part; ft__mix_kind kind; } kinds[] = {
        {"attn_qkv.weight", FT__MIX_VALUES}, {"attn_kv_b.weight", FT__MIX_VALUES}, {"attn_v.weight", FT__MIX_VALUES},
        {"attn_k.weight", FT__MIX_KEYS}, {"attn_output.weight", FT__MIX_ATTN_OUT}, {"ffn_down", FT__MIX_DOWN}};
    for (size_t i = 0; i < FT__COUNT(kinds); i++)
        if (strstr(name, kinds[i].part)) return kinds[i].kind;
    return FT__MIX_OTHER;
}

static bool ft__mix_is_embedding(const char *name) {
    return strcmp(name, "token_embd.weight") == 0 || strcmp(name, "per_layer_token_embd.weight") == 0;
}

/* Matrices, but for those that are small and decide much: routers, convolutions, norms. */
static bool ft__mix_quantizes(const ft__gguf_tensor *t) {
    static const char *const kept[] = {"_norm.weight", "ffn_gate_inp.weight", "per_layer_model_proj", "ssm_conv1d",
                                       "shortconv.conv.weight"};
    const size_t n = strlen(t->name);
    if (t->ne[1] * t->ne[2] * t->ne[3] == 1 || n < 6 || strcmp(t->name + n - 6, "weight") != 0) return false;
    for (size_t i = 0; i < FT__COUNT(kept); i++)
        if (strstr(t->name, kept[i])) return false;
    return true;
}

static bool ft__mix_applies(const ft__mix_model *m, const ft__mix_rule *rule, ft__mix_kind kind, int layer) {
    if ((rule->file_type != FT__MIX_ANY && rule->file_type != m->mix->file_type) || rule->kind != kind) return false;
    int i = layer, n = m->n_layers;
    if (kind == FT__MIX_VALUES) i = m->n_values[layer], n = m->n_values[m->n_layers];
    switch (rule->when) {
    case FT__MIX_SHARED: return m->shared >= 4;
    case FT__MIX_EIGHT: return m->n_experts == 8;
    case FT__MIX_NOT_EIGHT: return m->n_experts != 8;
    case FT__MIX_FIRST_2: return i < 2;
    case FT__MIX_FIRST_4: return i < 4;
    case FT__MIX_FIRST_8TH: return i < n / 8;
    case FT__MIX_FIRST_16TH: return i < n / 16;
    case FT__MIX_MORE: return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
    case FT__MIX_ALWAYS: break;
    }
    return true;
}

static bool ft__mix_fits(const ft__gguf_tensor *t, uint32_t type) {
    return t->ne[0] % ft__format_find(type)->n_elements == 0;
}

/* Before it is known whether the rows fit. */
static uint32_t ft__mix_wanted(const ft__mix_model *m, const ft__gguf_tensor *t) {
    const uint32_t type = m->mix->type;
    const ft__mix_kind kind = ft__mix_kind_of(t->name);
    const bool head = strcmp(t->name, "output.weight") == 0 || (m->tied && ft__mix_is_embedding(t->name));
    if (ft__format_find(type)->n_elements == 1) return type;
    if (type == FT__MIX_MXFP4) return strstr(t->name, "_exps.") ? type : (uint32_t)FT__MIX_Q8_0;
    if (head && (type == FT__MIX_Q8_0 || !ft__mix_fits(t, type))) return FT__MIX_Q8_0;
    if (head) return FT__MIX_Q6_K;
    if (ft__mix_is_embedding(t->name)) return type;
    size_t i = 0;
    while (i < FT__COUNT(ft__mix_rules) && !ft__mix_applies(m, &ft__mix_rules[i], kind, ft__mix_layer(m, t->name))) i++;
    const uint32_t wanted = i < FT__COUNT(ft__mix_rules) ? ft__mix_rules[i].type : type;
    const bool raise = kind == FT__MIX_VALUES && m->wide_80 && (wanted == FT__MIX_Q3_K || wanted == FT__MIX_Q4_K);
    return raise ? (uint32_t)FT__MIX_Q5_K : wanted;
}

static uint32_t ft__mix_type(const ft__mix_model *m, const ft__gguf_tensor *t) {
    if (!ft__mix_quantizes(t)) return t->type;
    uint32_t type = ft__mix_wanted(m, t);
    for (size_t i = 0; i < FT__COUNT(ft__mix_fallbacks) && !ft__mix_fits(t, type); i++)
        if (ft__mix_fallbacks[i][0] == type) type = ft__mix_fallbacks[i][1];
    return ft__mix_fits(t, type) ? type : (uint32_t)FT__MIX_F16;
}

/* A number of the architecture; of an array the first; 0 where there is none. */
static int ft__mix_number(const ft__gguf *g, const char *arch, const char *key) {
    char name[128];
    snprintf(name, sizeof name, "%s.%s", arch, key);
    const ft__gguf_kv *kv = ft__gguf_key(g, name);
    const int64_t n = kv && kv->count ? ft__gguf_int_at(kv, 0) : 0;
    return n < 0 || n > 65536 ? 0 : (int)n;
}

static ft_status ft__mix_read(ft__mix_model *m, const ft__gguf *g, ft_error *err) {
    ft__gguf_str text = {"", 0};
    char name[64];
    ft_status status = ft__gguf_string(g, "general.architecture", &text, err);
    if (status) return status;
    snprintf(name, sizeof name, "%.*s", (int)(text.len < 63 ? text.len : 63), text.data);
    if (!ft__arch_find(name))
        return ft__fail(err, FT_ERR_UNSUPPORTED, g->path, "the architecture \"%s\" is not in this version", name);
    m->n_layers = ft__mix_number(g, name, "block_count");
    m->n_experts = ft__mix_number(g, name, "expert_count");
    const int n_heads = ft__mix_number(g, name, "attention.head_count");
    const int n_kv = ft__mix_number(g, name, "attention.head_count_kv");
    m->shared = n_kv ? n_heads / n_kv : 0;
    m->tied = !ft__gguf_find(g, "output.weight");
    m->wide_80 = m->n_layers == 80 && m->shared > 1 && (strcmp(name, "llama") == 0 || strcmp(name, "qwen2") == 0);
    if (m->n_layers) return FT_OK;
    return ft__fail(err, FT_ERR_FORMAT, g->path, "%s.block_count must be 1 to 65536", name);
}

FT__PRIV ft_status ft__mix_types(const ft__mix *mix, const ft__gguf *g, const ft_allocator *a, uint32_t *types,
                                 ft_error *err) {
    ft__mix_model m;
    memset(&m, 0, sizeof m);
    m.mix = mix;
    ft_status status = ft__mix_read(&m, g, err);
    if (status) return status;
    m.n_values = (int *)ft__alloc_zero(a, (size_t)m.n_layers + 1, sizeof *m.n_values);
    if (!m.n_values) return ft__fail_memory(err);
    for (size_t i = 0; i < g->n_tensors; i++)
        if (ft__mix_kind_of(g->tensors[i].name) == FT__MIX_VALUES)
            m.n_values[ft__mix_layer(&m, g->tensors[i].name) + 1]++;
    for (int i = 0; i < m.n_layers; i++) m.n_values[i + 1] += m.n_values[i];
    for (size_t i = 0; i < g->n_tensors; i++) types[i] = ft__mix_type(&m, &g->tensors[i]);
    ft__free(a, m.n_values);
    return FT_OK;
}
