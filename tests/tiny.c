#include "tiny.h"
#include "../src/model/model.h"

/* ---- vocabulary: <unk> <s> </s>, 256 bytes, then these pieces.  '_' stands for U+2581, the blank
   of SPM.  Each merge is made of two other pieces; earlier means a better score. */

static const char *const pieces[] = {
    /* merges */
    "_t", "he", "_a", "in", "er", "_the", "re", "on", "th", "an", "_s", "_w", "at", "en", "or",
    "it", "_o", "is", "ou", "_b", "ed", "_i", "ing", "_f", "_c", "es", "_p", "nd", "_m", "_to",
    "_and", "_of", "ar", "al", "_is", "ll", "_h", "_d", "st", "_in", "le", "_l", "_re", "_n", "om",
    "_y", "ro", "_be", "_it", "_th", "_you", "_wh", "el", "ic", "_for", "_on", "ve", "_g", "ha",
    "ld", "ow", "_that", "ay", "_he", "as", "_was", "_sh", "_she", "ot", "_not", "_no", "_yes",
    "ea", "lo", "_do", "llo", "_hello", "_wor", "_world", "__",
    /* single characters */
    "_", "e", "t", "a", "o", "n", "i", "s", "r", "h", "d", "l", "u", "c", "m", "f", "w", "g", "y",
    "p", "b", "v", "k", "x", "q", "j", "z", ".", ",", "!", "?", "'", "-", "0", "1", "2", "3", "4",
    "5", "6", "7", "8", "9",
};

enum {
    N_MERGES = 80,
    N_FIXED = 3 + 256,
    N_VOCAB = N_FIXED + (int)FT__COUNT(pieces),
    MAX_TENSORS = 1024
};

/* token types of the format */
enum { TYPE_NORMAL = 1, TYPE_UNKNOWN = 2, TYPE_CONTROL = 3, TYPE_BYTE = 6 };

static void die(const char *path, const char *message) {
    fflush(stdout);
    fprintf(stderr, "tiny: %s: %s\n", path, message);
    abort();
}

static void must(const char *path, ft_status status, const ft_error *err) {
    if (status) die(path, err->message);
}

int tiny_vocab_size(void) { return N_VOCAB; }

static void spell(int id, char out[32]) {
    static const char *const special[3] = {"<unk>", "<s>", "</s>"};
    if (id < 3) {
        snprintf(out, 32, "%s", special[id]);
    } else if (id < N_FIXED) {
        snprintf(out, 32, "<0x%02X>", id - 3);
    } else {
        size_t n = 0;
        for (const char *p = pieces[id - N_FIXED]; *p; p++) {
            if (*p != '_') out[n++] = *p;
            else memcpy(out + n, "\xe2\x96\x81", 3), n += 3;
        }
        out[n] = 0;
    }
}

const char *tiny_token(int id) {
    static char spelled[8][32];
    static int turn;
    char *out = spelled[turn++ % 8];
    if (id < 0 || id >= N_VOCAB) die("tiny_token", "no such id");
    spell(id, out);
    return out;
}

static void write_vocabulary(ft__gguf_writer *w) {
    static char text[N_VOCAB][32];
    const char *tokens[N_VOCAB];
    float scores[N_VOCAB];
    int32_t types[N_VOCAB];
    for (int id = 0; id < N_VOCAB; id++) {
        int piece = id - N_FIXED;
        spell(id, text[id]);
        tokens[id] = text[id];
        scores[id] = piece < 0 ? 0 : (float)-piece - (piece < N_MERGES ? 0.0f : 1000.0f);
        types[id] = id == 0 ? TYPE_UNKNOWN : id < 3 ? TYPE_CONTROL : TYPE_BYTE;
        if (piece >= 0) types[id] = TYPE_NORMAL;
    }
    ft__gguf_write_string(w, "tokenizer.ggml.model", "llama");
    ft__gguf_write_string(w, "tokenizer.ggml.pre", "default");
    ft__gguf_write_strings(w, "tokenizer.ggml.tokens", tokens, N_VOCAB);
    ft__gguf_write_f32s(w, "tokenizer.ggml.scores", scores, N_VOCAB);
    ft__gguf_write_i32s(w, "tokenizer.ggml.token_type", types, N_VOCAB);
    ft__gguf_write_u32(w, "tokenizer.ggml.bos_token_id", 1);
    ft__gguf_write_u32(w, "tokenizer.ggml.eos_token_id", 2);
    ft__gguf_write_u32(w, "tokenizer.ggml.unknown_token_id", 0);
    ft__gguf_write_bool(w, "tokenizer.ggml.add_bos_token", true);
    ft__gguf_write_bool(w, "tokenizer.ggml.add_eos_token", false);
    ft__gguf_write_bool(w, "tokenizer.ggml.add_space_prefix", true);
}

/* ---- random numbers (splitmix64; only integers, and floats that are exact) */

static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* Nearly normal, std 1: the sum of four 16-bit uniform numbers less its mean, over its std. */
static float next_normal(uint64_t *state) {
    uint64_t r = next_random(state);
    int sum = (int)(r & 65535) + (int)(r >> 16 & 65535) + (int)(r >> 32 & 65535) + (int)(r >> 48);
    return (float)(sum - 131070) * (1.0f / 37837.2f);
}

/* By Newton's steps: divisions and sums only, the same everywhere. */
static float one_over_sqrt(double n) {
    double root = n;
    for (int i = 0; i < 60; i++) root = 0.5 * (root + n / root);
    return (float)(1.0 / root);
}

/* ---- a list of tensors to be written: mean + std * normal */

typedef struct tiny_tensor {
    char name[64];
    int n_dims;
    uint64_t ne[3];
    uint32_t type;
    float mean, std;
} tiny_tensor;

typedef struct tiny_file {
    const char *path;
    uint64_t seed;
    tiny_tensor tensors[MAX_TENSORS];
    int n_tensors;
} tiny_file;

/* Sizes of 0 are left out. */
static tiny_tensor *add(tiny_file *f, int layer, const char *name, int ne0, int ne1, int ne2) {
    if (f->n_tensors == MAX_TENSORS) die(f->path, "too many tensors");
    tiny_tensor *t = &f->tensors[f->n_tensors++];
    if (layer < 0) snprintf(t->name, sizeof t->name, "%s", name);
    else snprintf(t->name, sizeof t->name, "blk.%d.%s", layer, name);
    t->n_dims = ne2 ? 3 : ne1 ? 2 : 1;
    t->ne[0] = (uint64_t)ne0;
    t->ne[1] = (uint64_t)(ne1 ? ne1 : 1);
    t->ne[2] = (uint64_t)(ne2 ? ne2 : 1);
    t->type = FT__FORMAT_F32;
    t->mean = 0;
    t->std = 0;
    return t;
}

static void add_norm(tiny_file *f, int layer, const char *name, int n) {
    tiny_tensor *t = add(f, layer, name, n, 0, 0);
    t->mean = 1;
    t->std = 0.2f;
}

static void add_bias(tiny_file *f, int layer, const char *name, int n) {
    add(f, layer, name, n, 0, 0)->std = 0.3f;
}

/* A matrix (n_out, n_in) or n_experts of them; inputs of std 1 give outputs of std `gain`. */
static void add_matrix(tiny_file *f, int layer, const char *name, int n_in, int n_out,
                       int n_experts, uint32_t type, float gain) {
    tiny_tensor *t = add(f, layer, name, n_in, n_out, n_experts);
    t->type = type;
    t->std = gain * one_over_sqrt(n_in);
}

static uint64_t seed_of(const tiny_file *f, const tiny_tensor *t) {
    uint64_t state = f->seed;
    for (const char *p = t->name; *p; p++) state = next_random(&state) ^ (uint64_t)(uint8_t)*p;
    return state;
}

static void write_values(ft__gguf_writer *w, const tiny_file *f, const tiny_tensor *t) {
    const ft__format *format = ft__format_find(t->type);
    size_t n_row = (size_t)t->ne[0], n_rows = (size_t)(t->ne[1] * t->ne[2]);
    size_t row_bytes = n_row / format->n_elements * format->n_bytes;
    float *row = (float *)malloc(n_row * sizeof *row);
    uint8_t *bytes = (uint8_t *)malloc(n_rows * row_bytes);
    uint64_t state = seed_of(f, t);
    ft_error err;
    if (!row || !bytes) die(f->path, "out of memory");
    for (size_t i = 0; i < n_rows; i++) {
        for (size_t j = 0; j < n_row; j++) row[j] = t->mean + t->std * next_normal(&state);
        if (strcmp(t->name, "rope_freqs.weight") == 0)
            for (size_t j = 0; j < n_row; j++) row[j] = 1 + 7 * (float)j / (float)(n_row - 1);
        format->encode(row, n_row, bytes + i * row_bytes);
    }
    must(f->path, ft__gguf_write_data(w, bytes, n_rows * row_bytes, &err), &err);
    free(row);
    free(bytes);
}

static void write_tensors(ft__gguf_writer *w, const tiny_file *f) {
    ft_error err;
    for (int i = 0; i < f->n_tensors; i++) {
        const tiny_tensor *t = &f->tensors[i];
        const ft__format *format = ft__format_find(t->type);
        if (!format || !format->encode) die(f->path, "a type without encoder");
        must(t->name, ft__gguf_write_tensor(w, t->name, t->n_dims, t->ne, t->type, &err), &err);
    }
    for (int i = 0; i < f->n_tensors; i++) write_values(w, f, &f->tensors[i]);
    must(f->path, ft__gguf_write_end(w, &err), &err);
}

/* ---- models */

static int or_default(int value, int standard) { return value ? value : standard; }

static tiny_model with_defaults(const tiny_model *given) {
    tiny_model m;
    memset(&m, 0, sizeof m);
    if (given) m = *given;
    m.n_layers = or_default(m.n_layers, 2);
    m.n_embd = or_default(m.n_embd, 64);
    m.n_heads = or_default(m.n_heads, 4);
    m.n_kv_heads = or_default(m.n_kv_heads, 2);
    m.n_ff = or_default(m.n_ff, 128);
    m.n_ctx = or_default(m.n_ctx, 128);
    m.n_experts_used = or_default(m.n_experts_used, 2);
    return m;
}

static int head_dim(const tiny_model *m) { return or_default(m->head_dim, m->n_embd / m->n_heads); }

static void write_settings(ft__gguf_writer *w, const tiny_model *m) {
    ft__gguf_write_string(w, "general.architecture", "llama");
    ft__gguf_write_string(w, "general.name", "tiny");
    ft__gguf_write_u32(w, "llama.block_count", (uint32_t)m->n_layers);
    ft__gguf_write_u32(w, "llama.context_length", (uint32_t)m->n_ctx);
    ft__gguf_write_u32(w, "llama.embedding_length", (uint32_t)m->n_embd);
    ft__gguf_write_u32(w, "llama.feed_forward_length", (uint32_t)m->n_ff);
    ft__gguf_write_u32(w, "llama.attention.head_count", (uint32_t)m->n_heads);
    ft__gguf_write_u32(w, "llama.attention.head_count_kv", (uint32_t)m->n_kv_heads);
    if (m->head_dim) {
        ft__gguf_write_u32(w, "llama.attention.key_length", (uint32_t)m->head_dim);
        ft__gguf_write_u32(w, "llama.attention.value_length", (uint32_t)m->head_dim);
    }
    ft__gguf_write_f32(w, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    ft__gguf_write_u32(w, "llama.rope.dimension_count", (uint32_t)head_dim(m));
    ft__gguf_write_f32(w, "llama.rope.freq_base", 10000);
    ft__gguf_write_u32(w, "llama.vocab_size", N_VOCAB);
    if (m->n_experts) {
        ft__gguf_write_u32(w, "llama.expert_count", (uint32_t)m->n_experts);
        ft__gguf_write_u32(w, "llama.expert_used_count", (uint32_t)m->n_experts_used);
    }
}

static void add_layer(tiny_file *f, const tiny_model *m, int i) {
    int n = m->n_embd, ff = m->n_ff;
    int n_q = m->n_heads * head_dim(m), n_kv = m->n_kv_heads * head_dim(m);
    add_norm(f, i, "attn_norm.weight", n);
    add_matrix(f, i, "attn_q.weight", n, n_q, 0, m->type, 1.2f);
    add_matrix(f, i, "attn_k.weight", n, n_kv, 0, m->type, 1.2f);
    add_matrix(f, i, "attn_v.weight", n, n_kv, 0, m->type, 1);
    add_matrix(f, i, "attn_output.weight", n_q, n, 0, m->type, 1);
    if (m->attn_bias) {
        add_bias(f, i, "attn_q.bias", n_q);
        add_bias(f, i, "attn_k.bias", n_kv);
        add_bias(f, i, "attn_v.bias", n_kv);
        add_bias(f, i, "attn_output.bias", n);
    }
    add_norm(f, i, "ffn_norm.weight", n);
    if (m->n_experts) {
        add_matrix(f, i, "ffn_gate_inp.weight", n, m->n_experts, 0, FT__FORMAT_F32, 2);
        add_matrix(f, i, "ffn_gate_exps.weight", n, ff, m->n_experts, m->type, 1);
        add_matrix(f, i, "ffn_up_exps.weight", n, ff, m->n_experts, m->type, 1);
        add_matrix(f, i, "ffn_down_exps.weight", ff, n, m->n_experts, m->type, 1);
        return;
    }
    add_matrix(f, i, "ffn_gate.weight", n, ff, 0, m->type, 1);
    add_matrix(f, i, "ffn_up.weight", n, ff, 0, m->type, 1);
    add_matrix(f, i, "ffn_down.weight", ff, n, 0, m->type, 1);
    if (m->ffn_bias) {
        add_bias(f, i, "ffn_gate.bias", ff);
        add_bias(f, i, "ffn_up.bias", ff);
        add_bias(f, i, "ffn_down.bias", n);
    }
}

void tiny_write_model(const char *path, const tiny_model *options) {
    static tiny_file f; /* too large for the stack */
    tiny_model m = with_defaults(options);
    ft__gguf_writer w;
    ft_error err;
    f.path = path;
    f.seed = m.seed;
    f.n_tensors = 0;
    must(path, ft__gguf_write_begin(&w, path, NULL, &err), &err);
    write_settings(&w, &m);
    write_vocabulary(&w);
    /* the scale suits an output matrix, which a tied embedding also is; norms undo it elsewhere */
    add_matrix(&f, -1, "token_embd.weight", m.n_embd, N_VOCAB, 0, m.type, 2);
    add_norm(&f, -1, "output_norm.weight", m.n_embd);
    if (!m.tied) add_matrix(&f, -1, "output.weight", m.n_embd, N_VOCAB, 0, m.type, 2);
    if (m.rope_freqs) add(&f, -1, "rope_freqs.weight", head_dim(&m) / 2, 0, 0);
    for (int i = 0; i < m.n_layers; i++) add_layer(&f, &m, i);
    write_tensors(&w, &f);
}

/* ---- models of other architectures */

typedef struct tiny_keys {
    ft__gguf_writer *w;
    const char *architecture;
    char name[96];
} tiny_keys;

static const char *key(tiny_keys *k, const char *name) {
    snprintf(k->name, sizeof k->name, "%s.%s", k->architecture, name);
    return k->name;
}

static void key_int(tiny_keys *k, const char *name, int value) {
    ft__gguf_write_u32(k->w, key(k, name), (uint32_t)value);
}

static void key_float(tiny_keys *k, const char *name, float value) {
    ft__gguf_write_f32(k->w, key(k, name), value);
}

static bool with_experts(const ft__arch *a) { return a->gating && strcmp(a->name, "llama") != 0; }

static void write_arch_keys(tiny_keys *k, const ft__arch *a) {
    static const struct { const char *name; int value; } shape[] = {
        {"block_count", 5}, {"context_length", 256}, {"embedding_length", 64}, {"feed_forward_length", 96},
        {"attention.head_count", 4}, {"attention.head_count_kv", 2}, {"attention.key_length", 32},
        {"attention.value_length", 32}, {"vocab_size", N_VOCAB}};
    for (size_t i = 0; i < FT__COUNT(shape); i++)
        if (a->mixer == FT__MIXER_ATTENTION || strncmp(shape[i].name, "attention.", 10) != 0)
            key_int(k, shape[i].name, shape[i].value);
    if (a->mixer != FT__MIXER_ATTENTION) key_int(k, "attention.head_count", 4);
    if (a->mixer == FT__MIXER_CONV) {
        static const int32_t kv_heads[5] = {0, 2, 0, 0, 1};
        ft__gguf_write_i32s(k->w, key(k, "attention.head_count_kv"), kv_heads, 5);
        key_int(k, "shortconv.l_cache", 3);
    }
    if (a->mixer == FT__MIXER_DELTA) {
        static const struct { const char *name; int value; } delta[] = {
            {"attention.head_count_kv", 2}, {"attention.key_length", 32}, {"attention.value_length", 32},
            {"full_attention_interval", 2}, {"ssm.state_size", 16}, {"ssm.group_count", 2},
            {"ssm.time_step_rank", 4}, {"ssm.inner_size", 64}, {"ssm.conv_kernel", 4}};
        for (size_t i = 0; i < FT__COUNT(delta); i++) key_int(k, delta[i].name, delta[i].value);
        if (a->gating) key_int(k, "expert_shared_feed_forward_length", 64);
    }
    if (a->flags & FT__ARCH_GEMMA4) {
        static const int32_t local[5] = {1, 0, 1, 1, 0};
        key_int(k, "attention.key_length_swa", 16);
        key_int(k, "attention.value_length_swa", 16);
        key_int(k, "attention.shared_kv_layers", 2);
        key_int(k, "embedding_length_per_layer_input", 32);
        ft__gguf_write_i32s(k->w, key(k, "attention.sliding_window_pattern"), local, 5);
    }
    if (a->mixer == FT__MIXER_LATENT) {
        key_int(k, "attention.head_count_kv", 1);
        key_int(k, "attention.q_lora_rank", 64);
        key_int(k, "attention.kv_lora_rank", 32);
        key_int(k, "attention.key_length", 48);
        key_int(k, "attention.value_length", 32);
        key_int(k, "attention.key_length_mla", 48);
        key_int(k, "attention.value_length_mla", 24);
    }
    key_float(k, a->flags & FT__ARCH_LAYER_NORM ? "attention.layer_norm_epsilon"
                                                : "attention.layer_norm_rms_epsilon", 1e-5f);
    key_int(k, "rope.dimension_count",
            a->mixer == FT__MIXER_ATTENTION ? (a->flags & FT__ARCH_NEOX ? 24 : 32) : 16);
    if (a->window_period) key_int(k, "attention.sliding_window", 24);
    if (a->window_period > 1 && !(a->flags & FT__ARCH_GEMMA4)) key_int(k, "attention.sliding_window_pattern", 2);
    if (a->flags & FT__ARCH_LOCAL_BASE) key_float(k, "rope.freq_base_swa", 3000);
    if (a->flags & FT__ARCH_YARN_KEYS) {
        ft__gguf_write_string(k->w, key(k, "rope.scaling.type"), "yarn");
        key_float(k, "rope.scaling.factor", 8);
        key_int(k, "rope.scaling.original_context_length", 32);
    }
    if (a->flags & FT__ARCH_LONG_ROPE) key_int(k, "rope.scaling.original_context_length", 128);
    if (a->flags & FT__ARCH_TEMPERATURE) key_float(k, "attention.temperature_scale", 0.2f);
    if (a->flags & (FT__ARCH_GRANITE_SCALES | FT__ARCH_LOGIT_SCALE)) key_float(k, "logit_scale", 0.5f);
    if (a->flags & FT__ARCH_GRANITE_SCALES) key_float(k, "residual_scale", 0.7f);
    if (a->flags & FT__ARCH_GEMMA) key_float(k, "final_logit_softcapping", 9);
    if (!with_experts(a)) return;
    key_int(k, "expert_count", 6);
    key_int(k, "expert_used_count", 3);
    if (a->flags & FT__ARCH_EXPERT_LENGTH) key_int(k, "expert_feed_forward_length", 64);
    if (a->flags & FT__ARCH_EXPERTS_KEYED) key_int(k, "leading_dense_block_count", 1);
    if (a->flags & FT__ARCH_WEIGH_INPUT) key_int(k, "interleave_moe_layer_step", 2);
}

static void add_arch_experts(tiny_file *f, const ft__arch *a, int i, uint32_t type) {
    add_matrix(f, i, "ffn_gate_inp.weight", 64, 6, 0, FT__FORMAT_F32, 2);
    if (a->flags & FT__ARCH_GEMMA4) {
        add_matrix(f, i, "ffn_gate_up_exps.weight", 64, 128, 6, type, 1);
        add_norm(f, i, "ffn_gate_inp.scale", 64);
        add_norm(f, i, "pre_ffw_norm_2.weight", 64);
        add_norm(f, i, "post_ffw_norm_1.weight", 64);
        add_norm(f, i, "post_ffw_norm_2.weight", 64);
        add_norm(f, i, "ffn_down_exps.scale", 6);
    } else {
        add_matrix(f, i, "ffn_gate_exps.weight", 64, 64, 6, type, 1);
        add_matrix(f, i, "ffn_up_exps.weight", 64, 64, 6, type, 1);
    }
    add_matrix(f, i, "ffn_down_exps.weight", 64, 64, 6, type, 1);
    if (a->mixer == FT__MIXER_DELTA) add(f, i, "ffn_gate_inp_shexp.weight", 64, 0, 0)->std = 0.1f;
    if (a->flags & FT__ARCH_EXPERTS_KEYED) add_bias(f, i, "exp_probs_b.bias", 6);
    if (a->flags & FT__ARCH_EXPERT_BIAS) {
        add_bias(f, i, "ffn_gate_inp.bias", 6);
        add(f, i, "ffn_gate_exps.bias", 64, 6, 0)->std = 0.3f;
        add(f, i, "ffn_up_exps.bias", 64, 6, 0)->std = 0.3f;
        add(f, i, "ffn_down_exps.bias", 64, 6, 0)->std = 0.3f;
    }
    if (!(a->flags & FT__ARCH_SHARED_EXPERT)) return;
    add_matrix(f, i, "ffn_gate_shexp.weight", 64, 64, 0, type, 1);
    add_matrix(f, i, "ffn_up_shexp.weight", 64, 64, 0, type, 1);
    add_matrix(f, i, "ffn_down_shexp.weight", 64, 64, 0, type, 1);
}

static void add_arch_mixer(tiny_file *f, const ft__arch *a, int i, uint32_t type) {
    const bool whole = (a->flags & FT__ARCH_QK_NORM_WHOLE) != 0;
    const bool gemma4 = (a->flags & FT__ARCH_GEMMA4) != 0, own_keys = !gemma4 || i < 3;
    int hd = 32, n_kv = 64;
    if (a->mixer == FT__MIXER_LATENT) {
        add_matrix(f, i, "attn_q_a.weight", 64, 64, 0, type, 1);
        add_norm(f, i, "attn_q_a_norm.weight", 64);
        add_matrix(f, i, "attn_q_b.weight", 64, 4 * 48, 0, type, 1);
        add_matrix(f, i, "attn_kv_a_mqa.weight", 64, 32 + 16, 0, type, 1);
        add_norm(f, i, "attn_kv_a_norm.weight", 32);
        add_matrix(f, i, "attn_k_b.weight", 32, 32, 4, type, 1);
        add_matrix(f, i, "attn_v_b.weight", 32, 24, 4, type, 1);
        add_matrix(f, i, "attn_output.weight", 96, 64, 0, type, 1);
        return;
    }
    if (a->mixer == FT__MIXER_CONV && i != 1 && i != 4) {
        add_matrix(f, i, "shortconv.in_proj.weight", 64, 192, 0, type, 1);
        add_matrix(f, i, "shortconv.out_proj.weight", 64, 64, 0, type, 1);
        add(f, i, "shortconv.conv.weight", 3, 64, 0)->std = 0.6f;
        return;
    }
    if (a->mixer == FT__MIXER_DELTA && i % 2 == 0) {
        add_matrix(f, i, "attn_qkv.weight", 64, 128, 0, type, 1);
        add_matrix(f, i, "attn_gate.weight", 64, 64, 0, type, 1);
        add_matrix(f, i, "ssm_alpha.weight", 64, 4, 0, type, 1);
        add_matrix(f, i, "ssm_beta.weight", 64, 4, 0, type, 1);
        add_matrix(f, i, "ssm_out.weight", 64, 64, 0, type, 1);
        add(f, i, "ssm_conv1d.weight", 4, 128, 0)->std = 0.6f;
        add_norm(f, i, "ssm_norm.weight", 16);
        add_bias(f, i, "ssm_dt.bias", 4);
        add(f, i, "ssm_a", 4, 0, 0)->mean = -0.3f;
        return;
    }
    if (a->mixer == FT__MIXER_CONV) hd = 16, n_kv = i == 1 ? 32 : 16;
    if (gemma4 && i != 1 && i != 4) hd = 16, n_kv = 32;
    if (a->flags & (FT__ARCH_QK_NORM | FT__ARCH_QK_NORM_MAYBE)) {
        add_norm(f, i, "attn_q_norm.weight", whole ? 4 * hd : hd);
        if (own_keys) add_norm(f, i, "attn_k_norm.weight", whole ? n_kv : hd);
    }
    if (a->flags & FT__ARCH_SINKS) add(f, i, "attn_sinks.weight", 4, 0, 0)->std = 1;
    add_matrix(f, i, "attn_q.weight", 64, (a->mixer == FT__MIXER_DELTA ? 8 : 4) * hd, 0, type, 1.2f);
    if (own_keys) add_matrix(f, i, "attn_k.weight", 64, n_kv, 0, type, 1.2f);
    if (own_keys && !(gemma4 && i == 1)) add_matrix(f, i, "attn_v.weight", 64, n_kv, 0, type, 1);
    add_matrix(f, i, "attn_output.weight", 4 * hd, 64, 0, type, 1);
}

static void add_arch_layer(tiny_file *f, const ft__arch *a, int i, uint32_t type) {
    const bool fused = (a->flags & FT__ARCH_GATE_IN_UP) != 0;
    bool experts = with_experts(a);
    if (a->flags & FT__ARCH_EXPERTS_KEYED) experts = i > 0;
    if (a->flags & FT__ARCH_WEIGH_INPUT) experts = i % 2 == 1;
    char norm[64];
    if (!(a->flags & FT__ARCH_NO_PRE_NORM)) add_norm(f, i, "attn_norm.weight", 64);
    snprintf(norm, sizeof norm, "%s.weight", a->ffn_norm ? a->ffn_norm : "");
    if (a->ffn_norm) add_norm(f, i, norm, 64);
    if (a->flags & FT__ARCH_POST_NORM) add_norm(f, i, "post_attention_norm.weight", 64);
    if (a->flags & FT__ARCH_POST_NORM) add_norm(f, i, "post_ffw_norm.weight", 64);
    add_arch_mixer(f, a, i, type);
    if (a->flags & FT__ARCH_GEMMA4) {
        add_matrix(f, i, "inp_gate.weight", 64, 32, 0, type, 1);
        add_matrix(f, i, "proj.weight", 32, 64, 0, type, 1);
        add_norm(f, i, "post_norm.weight", 64);
        add(f, i, "layer_output_scale.weight", 1, 0, 0)->mean = 0.8f;
    }
    if (experts) add_arch_experts(f, a, i, type);
    if (experts && !(a->flags & FT__ARCH_GEMMA4)) return;
    if (!fused) add_matrix(f, i, "ffn_gate.weight", 64, 96, 0, type, 1);
    add_matrix(f, i, "ffn_up.weight", 64, fused ? 192 : 96, 0, type, 1);
    add_matrix(f, i, "ffn_down.weight", 96, 64, 0, type, 1);
}

void tiny_write_arch(const char *path, const char *architecture, uint32_t type) {
    static tiny_file f;
    const ft__arch *a = ft__arch_find(architecture);
    ft__gguf_writer w;
    tiny_keys k = {&w, architecture, ""};
    ft_error err;
    if (!a) die(path, "no such architecture");
    f.path = path;
    f.seed = 1;
    f.n_tensors = 0;
    must(path, ft__gguf_write_begin(&w, path, NULL, &err), &err);
    ft__gguf_write_string(&w, "general.architecture", architecture);
    write_arch_keys(&k, a);
    write_vocabulary(&w);
    add_matrix(&f, -1, "token_embd.weight", 64, N_VOCAB, 0, type, 2);
    add_norm(&f, -1, a->mixer == FT__MIXER_CONV ? "token_embd_norm.weight" : "output_norm.weight", 64);
    add_matrix(&f, -1, "output.weight", 64, N_VOCAB, 0, type, 2);
    if (a->flags & FT__ARCH_GEMMA4) {
        add_matrix(&f, -1, "per_layer_token_embd.weight", 5 * 32, N_VOCAB, 0, type, 1);
        add_matrix(&f, -1, "per_layer_model_proj.weight", 64, 5 * 32, 0, type, 1);
        add_norm(&f, -1, "per_layer_proj_norm.weight", 32);
    }
    if (a->flags & FT__ARCH_LONG_ROPE) add(&f, -1, "rope_factors_long.weight", 12, 0, 0)->mean = 5;
    if (a->flags & FT__ARCH_LONG_ROPE) add(&f, -1, "rope_factors_short.weight", 12, 0, 0)->mean = 2;
    for (int i = 0; i < 5; i++) add_arch_layer(&f, a, i, type);
    write_tensors(&w, &f);
}

/* ---- adapters */

static void add_factors(tiny_file *f, const tiny_adapter *a, int layer, const char *weight,
                        int n_in, int n_out, int n_experts) {
    char name[64];
    snprintf(name, sizeof name, "%s.lora_a", weight);
    add_matrix(f, layer, name, n_in, a->rank, n_experts, a->type, 1);
    snprintf(name, sizeof name, "%s.lora_b", weight);
    add_matrix(f, layer, name, a->rank, n_out, n_experts, a->type, a->amplitude);
}

static void add_layer_factors(tiny_file *f, const tiny_model *m, const tiny_adapter *a, int i) {
    int n = m->n_embd, n_q = m->n_heads * head_dim(m), n_kv = m->n_kv_heads * head_dim(m);
    int ff = m->n_ff, e = m->n_experts;
    unsigned which = a->modules ? a->modules : 127;
    if (which & TINY_Q) add_factors(f, a, i, "attn_q.weight", n, n_q, 0);
    if (which & TINY_K) add_factors(f, a, i, "attn_k.weight", n, n_kv, 0);
    if (which & TINY_V) add_factors(f, a, i, "attn_v.weight", n, n_kv, 0);
    if (which & TINY_O) add_factors(f, a, i, "attn_output.weight", n_q, n, 0);
    if (which & TINY_GATE)
        add_factors(f, a, i, e ? "ffn_gate_exps.weight" : "ffn_gate.weight", n, ff, e);
    if (which & TINY_UP) add_factors(f, a, i, e ? "ffn_up_exps.weight" : "ffn_up.weight", n, ff, e);
    if (which & TINY_DOWN)
        add_factors(f, a, i, e ? "ffn_down_exps.weight" : "ffn_down.weight", ff, n, e);
}

void tiny_write_adapter(const char *path, const tiny_model *model, const tiny_adapter *options) {
    static tiny_file f;
    tiny_model m = with_defaults(model);
    tiny_adapter a = *options;
    ft__gguf_writer w;
    ft_error err;
    a.rank = or_default(a.rank, 4);
    f.path = path;
    f.seed = a.seed ^ 0xADA;
    f.n_tensors = 0;
    must(path, ft__gguf_write_begin(&w, path, NULL, &err), &err);
    ft__gguf_write_string(&w, "general.type", "adapter");
    ft__gguf_write_string(&w, "general.architecture", "llama");
    ft__gguf_write_string(&w, "general.name", "tiny adapter");
    ft__gguf_write_string(&w, "adapter.type", "lora");
    if (a.alpha != 0) ft__gguf_write_f32(&w, "adapter.lora.alpha", a.alpha);
    for (int i = 0; i < m.n_layers; i++) add_layer_factors(&f, &m, &a, i);
    if (a.wrong_shape) f.tensors[f.n_tensors - 1].ne[1] += 32;
    write_tensors(&w, &f);
}
