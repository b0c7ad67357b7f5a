/* make_model OUT.gguf TYPE [--tiny] [--layers N] [--embd N] [--ff N] [--heads N] [--kv-heads N]
   [--vocab N] [--ctx N]

   Writes a model of random weights in the shape of TinyLlama-1.1B, for measuring speed.  It says
   nothing, but every engine can load it and it tokenizes.  The blocks are not encoded from anything:
   random codes under scales that give a matrix the usual spread, which takes seconds.  The same
   arguments give the same bytes. */
#include "../../src/io/io.h"

enum { F32 = 0, F16 = 1, Q4_0 = 2, Q8_0 = 8, Q4_K = 12, Q6_K = 14 };

static void die(const char *what, const char *detail) {
    fprintf(stderr, "make_model: %s: %s\n", what, detail);
    exit(3);
}

static void must(ft_status status, const ft_error *err) {
    if (status) die(err->where, err->message);
}

/* ---- random blocks (splitmix64) */

static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* An F16 scale near `scale`: 0.75 to 1.25 times. */
static void put_scale(uint8_t *p, float scale, uint64_t *state, bool either_sign) {
    uint64_t r = next_random(state);
    scale *= 0.75f + 0.5f * (float)(r >> 40) / 16777216.0f;
    uint16_t half = ft__f32_to_f16(either_sign && (r & 1) ? -scale : scale);
    memcpy(p, &half, sizeof half);
}

/* Each makes a block of its format from random bytes; `scale` is the step between codes. */
static void fix_f32(uint8_t *p, float scale, uint64_t *state) {
    int32_t code;
    (void)state;
    memcpy(&code, p, sizeof code);
    float value = scale * (float)code;
    memcpy(p, &value, sizeof value);
}

static void fix_f16(uint8_t *p, float scale, uint64_t *state) {
    int16_t code;
    (void)state;
    memcpy(&code, p, sizeof code);
    uint16_t half = ft__f32_to_f16(scale * (float)code);
    memcpy(p, &half, sizeof half);
}

/* The codes' mean is -0.5: signs of both kinds keep the weights' mean at 0. */
static void fix_q4_0(uint8_t *p, float scale, uint64_t *state) { put_scale(p, scale, state, true); }

static void fix_q8_0(uint8_t *p, float scale, uint64_t *state) {
    for (int i = 2; i < 34; i++)
        if (p[i] == 0x80) p[i] = 0x81; /* encoders never write -128 */
    put_scale(p, scale, state, true);
}

/* Each group's minimum equals its scale, and dmin is 7.5 d: values d * scale * (code - 7.5). */
static void fix_q4_k(uint8_t *p, float scale, uint64_t *state) {
    uint16_t half;
    put_scale(p, scale, state, false);
    memcpy(&half, p, sizeof half);
    half = ft__f32_to_f16(7.5f * ft__f16_to_f32(half));
    memcpy(p + 2, &half, sizeof half);
    memcpy(p + 8, p + 4, 4);
    for (int i = 12; i < 16; i++) p[i] = (uint8_t)((p[i] & 15) * 17);
}

static void fix_q6_k(uint8_t *p, float scale, uint64_t *state) { put_scale(p + 208, scale, state, true); }

/* The spread is the standard deviation of values at scale 1. */
static const struct format {
    uint32_t id, n_elements, n_bytes;
    float spread;
    void (*fix)(uint8_t *block, float scale, uint64_t *state);
} formats[] = {
    {F32, 1, 4, 1239850262.0f, fix_f32}, {F16, 1, 2, 18918.6f, fix_f16},
    {Q4_0, 32, 18, 4.61f, fix_q4_0},     {Q8_0, 32, 34, 73.9f, fix_q8_0},
    {Q4_K, 256, 144, 168.3f, fix_q4_k},  {Q6_K, 256, 210, 1366.0f, fix_q6_k},
};

/* ---- the shape */

typedef struct shape {
    int layers, embd, ff, heads, kv_heads, vocab, ctx;
} shape;

static const shape tinyllama = {22, 2048, 5632, 32, 4, 32000, 2048};
static const shape tiny = {2, 256, 512, 4, 2, 512, 512};

/* What the usual quantizers give each tensor: the head six bits where the rest has four, and in the
   "M" mix also values and down projections of the first and last eighth and of every third layer. */
typedef struct mix {
    const char *name;
    uint32_t most, head, some;
} mix;
static const mix mixes[] = {{"F32", F32, F32, F32},    {"F16", F16, F16, F16},
                            {"Q8_0", Q8_0, Q8_0, Q8_0}, {"Q4_0", Q4_0, Q6_K, Q4_0},
                            {"Q4_K_M", Q4_K, Q6_K, Q6_K}};

static bool more_bits(int layer, int n) {
    return layer < n / 8 || layer >= 7 * n / 8 || (layer - n / 8) % 3 == 2;
}

/* ---- the vocabulary: <unk> <s> </s>, bytes, characters, then pieces of one, two and three letters, each
   without and with a blank before it, so that every piece is two others joined */

enum { N_FIXED = 3 + 256 + 95, N_VOCAB_MAX = N_FIXED + 26 + 2 * 26 * 26 + 2 * 26 * 26 * 26 };

static void spell(int id, char out[16]) {
    static const char *const special[3] = {"<unk>", "<s>", "</s>"};
    static const struct { int count, letters; bool blank; } kinds[] = {
        {26, 1, true}, {676, 2, false}, {676, 2, true}, {17576, 3, false}, {17576, 3, true}};
    static const char blank[] = "\xe2\x96\x81";
    int rest = id - N_FIXED, kind = 0;
    if (id < 3) snprintf(out, 16, "%s", special[id]);
    else if (id < 3 + 256) snprintf(out, 16, "<0x%02X>", id - 3);
    else if (id == 3 + 256) snprintf(out, 16, "%s", blank);
    else if (id < N_FIXED) snprintf(out, 16, "%c", ' ' + id - (3 + 256));
    if (id < N_FIXED) return;
    while (rest >= kinds[kind].count) rest -= kinds[kind++].count;
    char letters[4] = "";
    for (int i = kinds[kind].letters - 1; i >= 0; i--, rest /= 26) letters[i] = (char)('a' + rest % 26);
    snprintf(out, 16, "%s%s", kinds[kind].blank ? blank : "", letters);
}

static void write_vocabulary(ft__gguf_writer *w, int n) {
    static char text[N_VOCAB_MAX][16];
    static const char *tokens[N_VOCAB_MAX];
    static float scores[N_VOCAB_MAX];
    static int32_t types[N_VOCAB_MAX];
    for (int id = 0; id < n; id++) {
        spell(id, text[id]);
        tokens[id] = text[id];
        scores[id] = id < N_FIXED ? 0.0f : (float)(N_FIXED - id);
        types[id] = id == 0 ? 2 : id < 3 ? 3 : id < 3 + 256 ? 6 : 1; /* unknown, control, byte, normal */
    }
    ft__gguf_write_string(w, "tokenizer.ggml.model", "llama");
    ft__gguf_write_string(w, "tokenizer.ggml.pre", "default");
    ft__gguf_write_strings(w, "tokenizer.ggml.tokens", tokens, (size_t)n);
    ft__gguf_write_f32s(w, "tokenizer.ggml.scores", scores, (size_t)n);
    ft__gguf_write_i32s(w, "tokenizer.ggml.token_type", types, (size_t)n);
    ft__gguf_write_u32(w, "tokenizer.ggml.bos_token_id", 1);
    ft__gguf_write_u32(w, "tokenizer.ggml.eos_token_id", 2);
    ft__gguf_write_u32(w, "tokenizer.ggml.unknown_token_id", 0);
    ft__gguf_write_bool(w, "tokenizer.ggml.add_bos_token", true);
}

/* ---- tensors: one walk declares them, a second writes their data */

typedef struct output {
    ft__gguf_writer w;
    bool declare;
    uint64_t n_tensors;
} output;

static float one_over_sqrt(double n) {
    double root = n;
    for (int i = 0; i < 60; i++) root = 0.5 * (root + n / root);
    return (float)(1.0 / root);
}

/* Outputs have the deviation `gain` where inputs have 1; a norm (rows 0) has weights near 1. */
static void tensor(output *o, int layer, const char *name, int cols, int rows, uint32_t type, float gain) {
    const struct format *f = formats;
    uint64_t ne[2], state = ++o->n_tensors * 0x2545F4914F6CDD1Du;
    char full[64];
    ft_error err;
    ne[0] = (uint64_t)cols;
    ne[1] = (uint64_t)rows;
    while (f->id != type) f++;
    if (layer < 0) snprintf(full, sizeof full, "%s.weight", name);
    else snprintf(full, sizeof full, "blk.%d.%s.weight", layer, name);
    if (o->declare) {
        must(ft__gguf_write_tensor(&o->w, full, rows ? 2 : 1, ne, type, &err), &err);
        return;
    }
    size_t n_blocks = (size_t)cols / f->n_elements * (size_t)(rows ? rows : 1), n_bytes = n_blocks * f->n_bytes;
    uint8_t *data = (uint8_t *)malloc(n_bytes + 8);
    if (!data) die(full, "out of memory");
    for (size_t i = 0; i < n_bytes; i += 8) {
        uint64_t r = next_random(&state);
        memcpy(data + i, &r, 8);
    }
    float scale = (rows ? gain * one_over_sqrt(cols) : 0.1f) / f->spread;
    for (size_t i = 0; i < n_blocks; i++) f->fix(data + i * f->n_bytes, scale, &state);
    for (int i = 0; i < cols && !rows; i++) ((float *)(void *)data)[i] += 1;
    must(ft__gguf_write_data(&o->w, data, n_bytes, &err), &err);
    free(data);
}

static void tensors(output *o, const shape *s, const mix *m) {
    const int head_dim = s->embd / s->heads, n_kv = s->kv_heads * head_dim;
    o->n_tensors = 0;
    tensor(o, -1, "token_embd", s->embd, s->vocab, m->most, 1);
    tensor(o, -1, "output_norm", s->embd, 0, F32, 0);
    tensor(o, -1, "output", s->embd, s->vocab, m->head, 2);
    for (int i = 0; i < s->layers; i++) {
        uint32_t some = more_bits(i, s->layers) ? m->some : m->most;
        tensor(o, i, "attn_norm", s->embd, 0, F32, 0);
        tensor(o, i, "attn_q", s->embd, s->embd, m->most, 1.2f);
        tensor(o, i, "attn_k", s->embd, n_kv, m->most, 1.2f);
        tensor(o, i, "attn_v", s->embd, n_kv, some, 1);
        tensor(o, i, "attn_output", s->embd, s->embd, m->most, 1);
        tensor(o, i, "ffn_norm", s->embd, 0, F32, 0);
        tensor(o, i, "ffn_gate", s->embd, s->ff, m->most, 1);
        tensor(o, i, "ffn_up", s->embd, s->ff, m->most, 1);
        tensor(o, i, "ffn_down", s->ff, s->embd, some, 1);
    }
}

static void write_model(const char *path, const shape *s, const mix *m) {
    static output o;
    ft_error err;
    must(ft__gguf_write_begin(&o.w, path, NULL, &err), &err);
    ft__gguf_write_string(&o.w, "general.architecture", "llama");
    ft__gguf_write_string(&o.w, "general.name", "random");
    ft__gguf_write_u32(&o.w, "llama.block_count", (uint32_t)s->layers);
    ft__gguf_write_u32(&o.w, "llama.context_length", (uint32_t)s->ctx);
    ft__gguf_write_u32(&o.w, "llama.embedding_length", (uint32_t)s->embd);
    ft__gguf_write_u32(&o.w, "llama.feed_forward_length", (uint32_t)s->ff);
    ft__gguf_write_u32(&o.w, "llama.attention.head_count", (uint32_t)s->heads);
    ft__gguf_write_u32(&o.w, "llama.attention.head_count_kv", (uint32_t)s->kv_heads);
    ft__gguf_write_u32(&o.w, "llama.rope.dimension_count", (uint32_t)(s->embd / s->heads));
    ft__gguf_write_f32(&o.w, "llama.rope.freq_base", 10000);
    ft__gguf_write_f32(&o.w, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    ft__gguf_write_u32(&o.w, "llama.vocab_size", (uint32_t)s->vocab);
    write_vocabulary(&o.w, s->vocab);
    o.declare = true;
    tensors(&o, s, m);
    o.declare = false;
    tensors(&o, s, m);
    must(ft__gguf_write_end(&o.w, &err), &err);
}

/* ---- arguments */

static void check(const shape *s) {
    if (s->embd % s->heads || s->heads % s->kv_heads) die("heads", "expected whole ratios");
    if (s->embd % 256 || s->ff % 256) die("embd and ff", "expected multiples of 256");
    if (s->vocab <= N_FIXED || s->vocab > N_VOCAB_MAX) die("vocab", "expected 355 to 36884");
}

int main(int argc, char **argv) {
    shape s = tinyllama;
    const mix *m = mixes, *end = mixes + FT__COUNT(mixes);
    if (argc < 3) die("usage", "make_model OUT.gguf F32|F16|Q8_0|Q4_0|Q4_K_M [--tiny] [--layers N] ...");
    while (m < end && strcmp(m->name, argv[2]) != 0) m++;
    if (m == end) die(argv[2], "no such type");
    for (int i = 3; i < argc; i++) {
        struct { const char *name; int *value; } options[] = {
            {"--layers", &s.layers}, {"--embd", &s.embd}, {"--ff", &s.ff}, {"--heads", &s.heads},
            {"--kv-heads", &s.kv_heads}, {"--vocab", &s.vocab}, {"--ctx", &s.ctx}};
        size_t k = 0;
        if (strcmp(argv[i], "--tiny") == 0) {
            s = tiny;
            continue;
        }
        while (k < FT__COUNT(options) && strcmp(options[k].name, argv[i]) != 0) k++;
        if (k == FT__COUNT(options) || i + 1 == argc) die(argv[i], "no such option, or its value is missing");
        *options[k].value = atoi(argv[++i]);
        if (*options[k].value < 1) die(argv[i - 1], "expected a number above 0");
    }
    check(&s);
    write_model(argv[1], &s, m);
    return 0;
}
