/* What adapters do: each kind against a model whose weights the test changes itself, for every linear map of
   every architecture; several together; the same bits whoever shares the batch; and what must be refused.
   Files of plain LoRA are in test_model.c. */
#include "test.h"
#include "gguf_edit.h"
#include "tiny.h"
#include "../src/run/run.h"

enum { N = 40, RANK = 3, MOST_TENSORS = 2048 };

/* ---- a base, an adapter on it and the model that the adapter makes of it */

/* What is done to a tensor of the base. */
typedef enum kind { NOTHING, LORA, BIASED, DORA, WHOLE } kind;

typedef struct part {
    char name[96];
    int n_dims;
    uint64_t ne[4], n;
    float *data;
} part;

typedef struct lab {
    char base_path[512], adapter_path[512], merged_path[512];
    ft__gguf base;
    part parts[MOST_TENSORS]; /* of the adapter */
    int n_parts;
    float *merged[MOST_TENSORS]; /* the base's tensors at strength `scale`, or NULL: as they are */
    float *head;                 /* output.weight where the base has none, or NULL */
    float *bias[MOST_TENSORS];   /* what is added behind a tensor's map */
    float alpha, scale;
    uint64_t random;
} lab;

static lab l; /* too large for the stack */

static float random_number(void) { /* -1 .. 1 */
    l.random = l.random * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(l.random >> 32) * (1.0f / 2147483648.0f);
}

static float *floats(const ft__gguf_tensor *t) {
    const size_t n = (size_t)(t->ne[0] * t->ne[1] * t->ne[2]);
    float *values = (float *)calloc(n, sizeof *values);
    ft__format_find(t->type)->decode(t->data, n, values);
    return values;
}

/* A tensor of the adapter: around `mean`, up to `size` off. */
static float *add_part(const char *base, const char *suffix, uint64_t n0, uint64_t n1, uint64_t n2, float mean,
                       float size) {
    part *p = &l.parts[l.n_parts++];
    snprintf(p->name, sizeof p->name, "%s%s", base, suffix);
    p->n_dims = n2 > 1 ? 3 : n1 > 1 ? 2 : 1;
    p->ne[0] = n0, p->ne[1] = n1, p->ne[2] = n2, p->ne[3] = 1;
    p->n = n0 * n1 * n2;
    p->data = (float *)calloc(p->n, sizeof *p->data);
    for (uint64_t i = 0; i < p->n; i++) p->data[i] = mean + size * random_number();
    return p->data;
}

/* (W + s (W' - W)) in double; rows as the file has them. */
static void merge_factors(const ft__gguf_tensor *t, float *w, const float *a, const float *b, double factor,
                          const float *m) {
    const size_t n_in = t->ne[0], n_out = t->ne[1];
    double *row = (double *)calloc(n_in, sizeof *row);
    for (size_t r = 0; r < n_out * t->ne[2]; r++) {
        const float *of_expert = a + r / n_out * RANK * n_in;
        double squares = 0;
        for (size_t i = 0; i < n_in; i++) {
            row[i] = w[r * n_in + i];
            for (size_t k = 0; k < RANK; k++) row[i] += factor * b[r * RANK + k] * of_expert[k * n_in + i];
            squares += row[i] * row[i];
        }
        for (size_t i = 0; i < n_in; i++) {
            double changed = m ? m[r] * row[i] / ft__sqrt(squares) : row[i];
            w[r * n_in + i] = (float)(w[r * n_in + i] + l.scale * (changed - w[r * n_in + i]));
        }
    }
    free(row);
}

static void merge_embedding(const ft__gguf_tensor *t, float *w, const float *a, const float *b, double factor) {
    const size_t n_in = t->ne[0];
    for (size_t r = 0; r < t->ne[1]; r++)
        for (size_t i = 0; i < n_in; i++)
            for (size_t k = 0; k < RANK; k++)
                w[r * n_in + i] += (float)(l.scale * factor * a[r * RANK + k] * b[i * RANK + k]);
}

/* Adds to the adapter what it does to a tensor (NULL: the tied head), and does it to the merged model.  B's size
   is such that deltas are about a third of the weights. */
static void change(const char *name, kind what) {
    const ft__gguf_tensor *t = ft__gguf_find(&l.base, name);
    const bool tied = !t, embedding = strcmp(name, "token_embd.weight") == 0;
    if (tied) t = ft__gguf_find(&l.base, "token_embd.weight");
    const size_t at = (size_t)(t - l.base.tensors);
    float *w = floats(t);
    if (tied) l.head = w;
    else l.merged[at] = w;
    if (what == WHOLE) {
        const bool vector = t->ne[1] == 1;
        const size_t n = (size_t)(t->ne[0] * t->ne[1] * t->ne[2]);
        float *own = add_part(name, "", t->ne[0], t->ne[1], t->ne[2], 0, 0);
        for (size_t i = 0; i < n; i++) own[i] = w[i] * (1 + 0.3f * random_number()) + (vector ? 0.1f : 0.02f);
        memcpy(w, own, n * sizeof *w);
        return;
    }
    const float around = embedding ? 0.3f : 0.25f;
    float *a = embedding ? add_part(name, ".lora_a", RANK, t->ne[1], 1, 0, 1)
                         : add_part(name, ".lora_a", t->ne[0], RANK, t->ne[2], 0, around);
    float *b = embedding ? add_part(name, ".lora_b", RANK, t->ne[0], 1, 0, around)
                         : add_part(name, ".lora_b", RANK, t->ne[1], t->ne[2], 0, around);
    double factor = l.alpha != 0 ? l.alpha / RANK : 1;
    if (l.n_parts % 3 == 0) factor = *add_part(name, ".lora_scale", 1, 1, 1, 0.7f, 0);
    float *m = NULL;
    if (what == DORA) {
        m = add_part(name, ".dora_scale", t->ne[1], 1, 1, 1, 0.2f);
        for (size_t r = 0; r < t->ne[1]; r++) {
            double squares = 0;
            for (size_t i = 0; i < t->ne[0]; i++) squares += (double)w[r * t->ne[0] + i] * w[r * t->ne[0] + i];
            m[r] *= (float)ft__sqrt(squares);
        }
    }
    if (what == BIASED) {
        const float *bias = add_part(name, ".lora_bias", t->ne[1], 1, 1, 0, 0.3f);
        l.bias[at] = (float *)calloc(t->ne[1], sizeof *bias);
        for (size_t r = 0; r < t->ne[1]; r++) l.bias[at][r] = (float)(l.scale * factor * bias[r]);
    }
    if (embedding) merge_embedding(t, w, a, b, factor);
    else merge_factors(t, w, a, b, factor, m);
}

static void begin(const char *name, float alpha, float scale) {
    ft_error err;
    memset(&l, 0, sizeof l);
    snprintf(l.base_path, sizeof l.base_path, "%s", test_path(name));
    snprintf(l.adapter_path, sizeof l.adapter_path, "%s", test_path("changes.gguf"));
    snprintf(l.merged_path, sizeof l.merged_path, "%s", test_path("merged.gguf"));
    l.alpha = alpha;
    l.scale = scale;
    l.random = 42;
    if (name[0]) CHECK_OK(ft__gguf_open(&l.base, l.base_path, NULL, &err), err);
}

static void end(void) {
    for (int i = 0; i < l.n_parts; i++) free(l.parts[i].data);
    for (size_t i = 0; i < l.base.n_tensors; i++) free(l.merged[i]), free(l.bias[i]);
    free(l.head);
    ft__gguf_close(&l.base);
}

static void write_adapter(const char *path) {
    ft__gguf_writer w;
    ft_error err;
    ft__gguf_str architecture = {"", 0};
    char text[64];
    ft__gguf_string(&l.base, "general.architecture", &architecture, NULL);
    snprintf(text, sizeof text, "%.*s", (int)architecture.len, architecture.data);
    CHECK_OK(ft__gguf_write_begin(&w, path, NULL, &err), err);
    ft__gguf_write_string(&w, "general.type", "adapter");
    ft__gguf_write_string(&w, "general.architecture", text);
    ft__gguf_write_string(&w, "adapter.type", "lora");
    if (l.alpha != 0) ft__gguf_write_f32(&w, "adapter.lora.alpha", l.alpha);
    for (int i = 0; i < l.n_parts; i++)
        CHECK_OK(ft__gguf_write_tensor(&w, l.parts[i].name, l.parts[i].n_dims, l.parts[i].ne, FT__FORMAT_F32, &err),
                 err);
    for (int i = 0; i < l.n_parts; i++)
        CHECK_OK(ft__gguf_write_data(&w, l.parts[i].data, l.parts[i].n * sizeof(float), &err), err);
    CHECK_OK(ft__gguf_write_end(&w, &err), err);
}

/* "X.weight" -> "X.bias". */
static const char *bias_of(const char *weight) {
    static char name[128];
    snprintf(name, sizeof name, "%.*s.bias", (int)(strlen(weight) - 7), weight);
    return name;
}

/* What is added behind a tensor's map goes into its bias, which may be new. */
static void write_merged(void) {
    ft__gguf_writer w;
    ft_error err;
    const ft__gguf_tensor *embedding = ft__gguf_find(&l.base, "token_embd.weight");
    CHECK_OK(ft__gguf_write_begin(&w, l.merged_path, NULL, &err), err);
    for (size_t i = 0; i < l.base.n_kv; i++) ft__gguf_write_kv(&w, &l.base.kv[i]);
    for (size_t i = 0; i < l.base.n_tensors; i++) {
        const ft__gguf_tensor *t = &l.base.tensors[i];
        const uint32_t type = l.merged[i] ? FT__FORMAT_F32 : t->type;
        CHECK_OK(ft__gguf_write_tensor(&w, t->name, t->n_dims, t->ne, type, &err), err);
        if (l.bias[i] && !ft__gguf_find(&l.base, bias_of(t->name)))
            CHECK_OK(ft__gguf_write_tensor(&w, bias_of(t->name), 1, t->ne + 1, FT__FORMAT_F32, &err), err);
    }
    if (l.head) CHECK_OK(ft__gguf_write_tensor(&w, "output.weight", 2, embedding->ne, FT__FORMAT_F32, &err), err);
    for (size_t i = 0; i < l.base.n_tensors; i++) {
        const ft__gguf_tensor *t = &l.base.tensors[i];
        const size_t n = (size_t)(t->ne[0] * t->ne[1] * t->ne[2]) * sizeof(float);
        if (l.merged[i]) CHECK_OK(ft__gguf_write_data(&w, l.merged[i], n, &err), err);
        else CHECK_OK(ft__gguf_write_data(&w, t->data, (size_t)t->size, &err), err);
        if (l.bias[i] && !ft__gguf_find(&l.base, bias_of(t->name)))
            CHECK_OK(ft__gguf_write_data(&w, l.bias[i], (size_t)t->ne[1] * sizeof(float), &err), err);
    }
    if (l.head)
        CHECK_OK(ft__gguf_write_data(&w, l.head, (size_t)(embedding->ne[0] * embedding->ne[1]) * sizeof(float), &err),
                 err);
    CHECK_OK(ft__gguf_write_end(&w, &err), err);
}

/* Biases that the base has already take what is added. */
static void merge_biases(void) {
    for (size_t i = 0; i < l.base.n_tensors; i++) {
        const ft__gguf_tensor *t = &l.base.tensors[i], *bias = l.bias[i] ? ft__gguf_find(&l.base, bias_of(t->name)) : NULL;
        if (!bias) continue;
        float **to = &l.merged[bias - l.base.tensors];
        if (!*to) *to = floats(bias);
        for (size_t r = 0; r < t->ne[1]; r++) (*to)[r] += l.bias[i][r];
    }
}

/* ---- logits */

static int32_t token(int i) { return (int32_t)((i * 53 + i * i % 17 + 1) % tiny_vocab_size()); }

static ft_session *session_of(const ft_model *m, int threads, int max_batch) {
    ft_error err;
    ft_session_desc desc = {threads, 128, FT_KV_F32, max_batch, 0, 0, false};
    ft_session *s = ft_session_create(m, &desc, &err);
    CHECK_OK(s ? FT_OK : err.code, err);
    return s;
}

/* All logits of N tokens, fed `cut` at a time; free() them. */
static float *logits_of(ft_session *s, int variant, int cut) {
    ft_error err;
    const size_t n_vocab = (size_t)tiny_vocab_size();
    float *logits = (float *)calloc(N * n_vocab, sizeof *logits);
    int32_t tokens[N];
    int sequence;
    for (int i = 0; i < N; i++) tokens[i] = token(i);
    CHECK_OK(ft_session_open(s, variant, &sequence, &err), err);
    for (int at = 0; at < N; at += cut) {
        ft_feed feed = {sequence, tokens + at, N - at < cut ? N - at : cut, NULL, logits + (size_t)at * n_vocab};
        if (!CHECK_OK(ft_session_decode(s, &feed, 1, &err), err)) break;
    }
    ft_session_close(s, sequence);
    return logits;
}

static double farthest(const float *a, const float *b) {
    double most = 0;
    for (size_t i = 0; i < N * (size_t)tiny_vocab_size(); i++) {
        double off = (double)a[i] - (double)b[i], size = off < 0 ? -off : off;
        if (!(size <= most)) most = size; /* a NaN is the largest */
    }
    return most;
}

static bool same(const float *a, const float *b) {
    return memcmp(a, b, N * (size_t)tiny_vocab_size() * sizeof *a) == 0;
}

static ft_model *load(const char *path) {
    ft_error err;
    ft_model *m = ft_model_load(path, NULL, &err);
    CHECK_OK(m ? FT_OK : err.code, err);
    return m;
}

static ft_adapter *load_adapter(const ft_model *m, const char *path) {
    ft_error err;
    ft_adapter *a = ft_adapter_load(m, path, &err);
    CHECK_OK(a ? FT_OK : err.code, err);
    return a;
}

static int add_variant(ft_session *s, const ft_adapter *a, float scale) {
    ft_error err;
    ft_adapter_use use = {a, scale};
    int variant = 0;
    CHECK_OK(ft_session_add_variant(s, &use, 1, &variant, &err), err);
    return variant;
}

/* ft__adapter_apply makes of the base's rows what the test made of them; asked for in two pieces. */
static void check_rows(const ft_adapter *a) {
    ft_error err;
    for (int i = 0; i < a->n_changes; i++) {
        const ft__change *c = &a->changes[i];
        const bool tied = c->tensor == (int)l.base.n_tensors;
        const ft__gguf_tensor *t = tied ? ft__gguf_find(&l.base, "token_embd.weight") : &l.base.tensors[c->tensor];
        const float *expected = tied ? l.head : l.merged[c->tensor];
        const uint64_t n_rows = t->ne[1] * t->ne[2], half = n_rows / 2;
        float *base = floats(t), *w = floats(t);
        double most = 0;
        CHECK_OK(ft__adapter_apply(a, l.scale, c->tensor, 0, half, base, w, &err), err);
        CHECK_OK(ft__adapter_apply(a, l.scale, c->tensor, half, n_rows - half, base + half * t->ne[0],
                                   w + half * t->ne[0], &err), err);
        for (uint64_t k = 0; k < n_rows * t->ne[0] && !c->bias; k++) {
            double off = (double)w[k] - (double)expected[k], size = off < 0 ? -off : off;
            if (!(size <= most)) most = size;
        }
        if (!CHECK(most <= (c->vector || c->whole.data ? 0 : 2e-6))) test_note("%s: %g off", t->name, most);
        CHECK_ERROR(ft__adapter_apply(a, 1, c->tensor, n_rows, 1, base, w, &err), FT_ERR_ARGUMENT, err, "rows");
        free(base);
        free(w);
    }
}

/* The adapter at run time is the merged model, and is not the base. */
static void check_merged(const char *what, double tolerance) {
    merge_biases();
    write_adapter(l.adapter_path);
    write_merged();
    ft_model *base = load(l.base_path), *merged = load(l.merged_path);
    ft_adapter *a = base ? load_adapter(base, l.adapter_path) : NULL;
    if (a && merged) {
        ft_session *s = session_of(base, 2, 16), *other = session_of(merged, 2, 16);
        float *plain = logits_of(s, 0, N), *ours = logits_of(s, add_variant(s, a, l.scale), 7);
        float *wanted = logits_of(other, 0, N);
        const double off = farthest(ours, wanted), moved = farthest(plain, wanted);
        if (!CHECK(off <= tolerance) || !CHECK(moved > 0.1)) test_note("%s: %g off, moved by %g", what, off, moved);
        check_rows(a);
        free(plain);
        free(ours);
        free(wanted);
        ft_session_free(s);
        ft_session_free(other);
    }
    ft_adapter_free(a);
    ft_model_free(base);
    ft_model_free(merged);
}

/* Does `what` to all that the architecture has as linear maps, as far as it goes. */
static void change_all(const ft_model *m, kind what) {
    for (int i = -1; i < (int)m->file.n_tensors; i++) {
        bool is_map = i < 0 && m->output.tensor == (int)m->file.n_tensors;
        for (int k = 0; k < m->n_maps && i >= 0; k++) is_map = is_map || m->maps[k].linear->tensor == i;
        if (!is_map) continue;
        const bool deep = i >= 0 && m->file.tensors[i].ne[2] > 1;
        change(ft__model_tensor_name(m, i < 0 ? (int)m->file.n_tensors : i), what == DORA && deep ? LORA : what);
    }
}

TEST(adapter, every_map_of_every_architecture) {
    for (size_t i = 0; ft__arch_at(i); i++) {
        static const kind kinds[] = {LORA, DORA, WHOLE};
        char name[96];
        snprintf(name, sizeof name, "%s.gguf", ft__arch_at(i)->name);
        tiny_write_arch(test_path(name), ft__arch_at(i)->name, FT__FORMAT_F32);
        ft_model *m = load(test_path(name));
        for (size_t k = 0; k < FT__COUNT(kinds) && m; k++) {
            begin(name, 2, kinds[k] == WHOLE ? 1.0f : 0.5f);
            change_all(m, kinds[k]);
            check_merged(name, 1e-4);
            end();
        }
        ft_model_free(m);
    }
}

/* ---- kinds that not every tensor takes */

TEST(adapter, vectors) {
    static const char *const architectures[] = {"llama", "gemma2", "qwen3", "cohere2", "deepseek2", "gemma4", "qwen35moe",
                                                "gpt-oss"};
    for (size_t i = 0; i < FT__COUNT(architectures); i++) {
        char name[96];
        snprintf(name, sizeof name, "%s.gguf", architectures[i]);
        tiny_write_arch(test_path(name), architectures[i], FT__FORMAT_F32);
        ft_model *m = load(test_path(name));
        begin(name, 0, 1);
        for (size_t t = 0; m && t < m->file.n_tensors; t++) {
            const char *tensor = m->file.tensors[t].name, *end_of = strrchr(tensor, '.');
            const bool norm = strstr(tensor, "norm") && strcmp(end_of, ".weight") == 0;
            if (norm || (strcmp(end_of, ".bias") == 0 && !strstr(tensor, "probs") && !strstr(tensor, "ssm_dt")))
                change(tensor, WHOLE);
        }
        check_merged(name, 1e-4);
        end();
        ft_model_free(m);
    }
}

static void write_biased(const char *name, bool tied) {
    tiny_model options;
    memset(&options, 0, sizeof options);
    options.attn_bias = true;
    options.tied = tied;
    tiny_write_model(test_path(name), &options);
}

TEST(adapter, biases) {
    static const char *const tensors[] = {"blk.0.attn_q.weight", "blk.0.attn_output.weight", "blk.1.ffn_up.weight",
                                          "blk.1.ffn_down.weight", "output.weight"};
    write_biased("biased.gguf", false);
    begin("biased.gguf", 2, 0.5f);
    for (size_t i = 0; i < FT__COUNT(tensors); i++) change(tensors[i], BIASED);
    check_merged("lora_bias", 1e-4);
    end();
    begin("biased.gguf", 2, 1); /* other biases of maps that are themselves changed */
    change("blk.0.attn_q.weight", DORA);
    change("blk.0.attn_q.bias", WHOLE);
    change("blk.1.attn_k.weight", WHOLE);
    change("blk.1.attn_k.bias", WHOLE);
    change("blk.1.attn_v.bias", WHOLE);
    check_merged("biases", 1e-4);
    end();
}

TEST(adapter, embeddings_and_heads) {
    static const kind of_head[] = {NOTHING, LORA, DORA, WHOLE};
    for (int tied = 0; tied < 2; tied++) {
        write_biased("tied.gguf", tied != 0);
        for (int e = 0; e < 3; e++)
            for (size_t h = 0; h < FT__COUNT(of_head); h++) {
                const kind of_embedding = e == 0 ? NOTHING : e == 1 ? LORA : WHOLE;
                if (!e && !h) continue;
                begin("tied.gguf", 2, of_embedding == WHOLE || of_head[h] == WHOLE ? 1.0f : 0.5f);
                if (e) change("token_embd.weight", of_embedding);
                if (h) change("output.weight", of_head[h]);
                /* a file whose head is the embedding would share the change: the adapter's does not */
                if (tied && !h) l.head = floats(ft__gguf_find(&l.base, "token_embd.weight"));
                check_merged(tied ? "tied" : "untied", 1e-4);
                end();
            }
    }
    tiny_write_arch(test_path("gemma3.gguf"), "gemma3", FT__FORMAT_F32); /* the change is scaled like its row */
    begin("gemma3.gguf", 2, 0.5f);
    change("token_embd.weight", LORA);
    check_merged("gemma3", 1e-4);
    end();
}

/* DoRA on weights as blocks: the lengths are those of the decoded rows. */
TEST(adapter, dora_of_blocks) {
    static const uint32_t types[] = {FT__FORMAT_Q8_0, FT__FORMAT_Q4_0, FT__FORMAT_F16, FT__FORMAT_BF16};
    for (size_t i = 0; i < FT__COUNT(types); i++) {
        tiny_write_arch(test_path("blocks.gguf"), "phi3", types[i]);
        begin("blocks.gguf", 2, 0.5f);
        change("blk.0.attn_q.weight", DORA);
        change("blk.1.ffn_up.weight", DORA);
        change("output.weight", DORA);
        write_adapter(l.adapter_path);
        ft_model *m = load(l.base_path);
        ft_adapter *a = m ? load_adapter(m, l.adapter_path) : NULL;
        if (a) check_rows(a);
        ft_adapter_free(a);
        ft_model_free(m);
        end();
    }
}

/* Made by PEFT's formula, in float64 (../shared/tools/ref_llama.py). */
TEST(adapter, dora_is_near_float64) {
    static const char *const modules[7][2] = {
        {"attn_q", "self_attn.q_proj"}, {"attn_k", "self_attn.k_proj"}, {"attn_v", "self_attn.v_proj"},
        {"attn_output", "self_attn.o_proj"}, {"ffn_gate", "mlp.gate_proj"}, {"ffn_up", "mlp.up_proj"},
        {"ffn_down", "mlp.down_proj"}};
    static const char *const parts[3][2] = {{".lora_a", ".lora_A.weight"}, {".lora_b", ".lora_B.weight"},
                                            {".dora_scale", ".lora_magnitude_vector"}};
    char path[512], name[160], base[64];
    ft__safetensors st;
    ft_error err;
    size_t n_wanted;
    if (!test_shared("lora/qwen3/manifest.json")) SKIP("no ../shared");
    snprintf(path, sizeof path, "%s", test_shared("lora/qwen3/dora-peft/adapter_model.safetensors"));
    if (!CHECK_OK(ft__safetensors_open(&st, path, NULL, &err), err)) return;
    snprintf(path, sizeof path, "%s", test_shared("logits/qwen3.gguf"));
    begin("", 6, 1); /* the reference's alpha */
    CHECK_OK(ft__gguf_open(&l.base, path, NULL, &err), err);
    for (int layer = 0; layer < 64; layer++)
        for (int k = 0; k < 7; k++)
            for (int p = 0; p < 3; p++) {
                snprintf(base, sizeof base, "blk.%d.%s.weight", layer, modules[k][0]);
                snprintf(name, sizeof name, "base_model.model.model.layers.%d.%s%s", layer, modules[k][1], parts[p][1]);
                const ft__st_tensor *t = ft__safetensors_find(&st, name);
                if (!t) continue;
                float *to = add_part(base, parts[p][0], t->shape[t->n_dims - 1], t->n_dims > 1 ? t->shape[0] : 1, 1, 0, 0);
                CHECK(ft__safetensors_floats(t, 0, (size_t)t->count, to));
            }
    write_adapter(l.adapter_path);
    CHECK(l.n_parts > 0);
    /* the tokens are those of the manifest */
    ft__arena arena;
    ft__json *json = NULL;
    size_t n_text;
    char *text = test_read(test_shared("lora/qwen3/manifest.json"), &n_text);
    char *wanted = test_read(test_shared("lora/qwen3/dora.ref64.f32"), &n_wanted);
    ft__arena_init(&arena, NULL);
    CHECK_OK(ft__json_parse(text, n_text, "manifest.json", 1, &arena, &json, &err), err);
    const ft__json *tokens = ft__json_get(json, "tokens");
    ft_model *m = load(path);
    ft_adapter *a = m ? load_adapter(m, l.adapter_path) : NULL;
    if (a && tokens) {
        const size_t n_vocab = (size_t)ft_model_get_info(m).n_vocab, n = tokens->count;
        int32_t *ids = (int32_t *)calloc(n, sizeof *ids);
        float *logits = (float *)calloc(n * n_vocab, sizeof *logits);
        ft_session *s = session_of(m, 2, 16);
        int sequence, i = 0;
        double most = 0;
        for (const ft__json *v = tokens->child; v; v = v->next) ids[i++] = (int32_t)v->number;
        CHECK_OK(ft_session_open(s, add_variant(s, a, 1), &sequence, &err), err);
        ft_feed feed = {sequence, ids, (int)n, NULL, logits};
        CHECK_OK(ft_session_decode(s, &feed, 1, &err), err);
        CHECK_INT(n_wanted, n * n_vocab * sizeof *logits);
        for (size_t k = 0; k < n * n_vocab && n_wanted == n * n_vocab * sizeof *logits; k++) {
            double off = (double)logits[k] - (double)((const float *)(const void *)wanted)[k];
            if (off < 0) off = -off;
            if (!(off <= most)) most = off;
        }
        test_note("%g off", most);
        CHECK(most <= 1e-4);
        ft_session_free(s);
        free(ids);
        free(logits);
    }
    ft_adapter_free(a);
    ft_model_free(m);
    ft__arena_free(&arena);
    ft__safetensors_close(&st);
    free(text);
    free(wanted);
    end();
}

/* Files with q, k and v as one tensor: each takes its rows. */
TEST(adapter, joined_rows) {
    static const kind kinds[] = {LORA, BIASED, DORA, WHOLE};
    static const char *const parts[3] = {"q", "k", "v"};
    static float weights[128 * 64], biases[128];
    char name[6][64];
    edit e;
    write_biased("split.gguf", false);
    begin("split.gguf", 0, 1);
    edit_begin(&e, l.base_path);
    size_t n = 0;
    for (int k = 0; k < 3; k++) {
        snprintf(name[k], sizeof name[k], "blk.0.attn_%s.weight", parts[k]);
        snprintf(name[3 + k], sizeof name[k], "blk.0.attn_%s.bias", parts[k]);
        const ft__gguf_tensor *w = ft__gguf_find(&l.base, name[k]), *b = ft__gguf_find(&l.base, name[3 + k]);
        memcpy(weights + n * 64, w->data, (size_t)w->size);
        memcpy(biases + n, b->data, (size_t)b->size);
        n += (size_t)w->ne[1];
        edit_drop(&e, name[k]);
        edit_drop(&e, name[3 + k]);
    }
    CHECK_INT(n, 128);
    edit_tensor(&e, "blk.0.attn_qkv.weight", FT__FORMAT_F32, 64, 128, weights);
    edit_tensor(&e, "blk.0.attn_qkv.bias", FT__FORMAT_F32, 128, 1, biases);
    edit_save(&e, test_path("joined.gguf"));
    end();
    for (size_t k = 0; k < FT__COUNT(kinds); k++) {
        begin("joined.gguf", 2, kinds[k] == WHOLE ? 1.0f : 0.5f);
        change("blk.0.attn_qkv.weight", kinds[k]);
        if (kinds[k] == WHOLE) change("blk.0.attn_qkv.bias", WHOLE);
        check_merged("joined", 1e-4);
        end();
    }
}

/* ---- bits */

/* An adapter with all kinds of changes for a model of experts, and the plain LoRA of tiny.h. */
static void write_all_kinds(const char *path, const ft_model *m) {
    static const kind kinds[] = {LORA, DORA, WHOLE, LORA, BIASED};
    for (int i = 0, n = 0; i < (int)m->file.n_tensors; i++) {
        const ft__gguf_tensor *t = &m->file.tensors[i];
        bool is_map = false;
        for (int k = 0; k < m->n_maps; k++) is_map = is_map || m->maps[k].linear->tensor == i;
        kind what = is_map ? kinds[n++ % 5] : NOTHING;
        if (t->ne[2] > 1 && (what == DORA || what == BIASED)) what = LORA;
        if (strcmp(t->name, "token_embd.weight") == 0) what = LORA;
        if (strstr(t->name, "attn_norm.weight") || strcmp(t->name, "blk.1.attn_k.bias") == 0) what = WHOLE;
        if (what != NOTHING) change(t->name, what);
    }
    write_adapter(path);
}

/* Logits of N tokens under `variant`, in the middle of a batch of others, all fed `cut` tokens at a time. */
static float *logits_among(ft_session *s, int variant, const int *others, int n_others, int cut) {
    ft_error err;
    ft_feed feeds[8];
    int sequences[8];
    const size_t n_vocab = (size_t)tiny_vocab_size();
    float *logits = (float *)calloc(N * n_vocab, sizeof *logits);
    int32_t tokens[N];
    for (int i = 0; i < N; i++) tokens[i] = token(i);
    for (int i = 0; i <= n_others; i++)
        CHECK_OK(ft_session_open(s, i < n_others ? others[i] : variant, &sequences[i], &err), err);
    for (int at = 0; at < N; at += cut) {
        const int n = N - at < cut ? N - at : cut;
        for (int i = 0; i <= n_others; i++) {
            ft_feed feed = {sequences[i], tokens + at, i < n_others && n > 1 ? n - i % 2 : n, NULL, NULL};
            if (i == n_others) feed.all_logits = logits + (size_t)at * n_vocab;
            feeds[i] = feed;
        }
        if (!CHECK_OK(ft_session_decode(s, feeds, n_others + 1, &err), err)) break;
    }
    for (int i = 0; i <= n_others; i++) ft_session_close(s, sequences[i]);
    return logits;
}

static void check_company(const char *architecture, uint32_t type) {
    ft_error err;
    char name[64];
    snprintf(name, sizeof name, "%s.gguf", architecture);
    tiny_write_arch(test_path(name), architecture, type);
    ft_model *m = load(test_path(name));
    begin(name, 2, 1);
    write_all_kinds(l.adapter_path, m);
    ft_adapter *a = load_adapter(m, l.adapter_path);
    end();
    begin(name, 2, 1);
    l.random = 7;
    change("blk.1.attn_output.weight", LORA);
    change("output.weight", LORA);
    write_adapter(l.adapter_path);
    end();
    ft_adapter *second = load_adapter(m, l.adapter_path);
    if (a && second) {
        ft_session *alone = session_of(m, 1, 64), *s = session_of(m, 3, 50);
        ft_adapter_use both[2] = {{a, 1}, {second, 0.5f}};
        int variants[4] = {0}, stacked = 0;
        for (int i = 0; i < 2; i++) {
            ft_session *at = i ? s : alone;
            variants[1] = add_variant(at, a, 1);
            variants[2] = add_variant(at, second, 1);
            CHECK_OK(ft_session_add_variant(at, both, 2, &stacked, &err), err);
            variants[3] = stacked;
        }
        float *base = logits_of(alone, 0, N);
        for (int v = 0; v < 4; v++) {
            float *one = logits_of(alone, variants[v], N);
            CHECK(v == 0 ? same(one, base) : !same(one, base));
            for (int way = 0; way < 6; way++) { /* the last two: without those who take the model's own tensors */
                static const int tuned[4] = {1, 1, 1, 1}, cuts[6] = {1, 7, 13, 19, 5, 1};
                float *other = logits_among(s, variants[v], way < 4 ? variants : tuned, 4, cuts[way]);
                if (!CHECK(same(one, other))) test_note("%s: variant %d, way %d", architecture, v, way);
                free(other);
            }
            free(one);
        }
        const int nothing = add_variant(s, a, 0);
        float *zero = logits_of(s, nothing, 5);
        CHECK(same(base, zero));
        free(zero);
        free(base);
        ft_session_free(alone);
        ft_session_free(s);
    }
    ft_adapter_free(a);
    ft_adapter_free(second);
    ft_model_free(m);
}

TEST(adapter, nobody_in_the_batch_shows) {
    static const char *const architectures[] = {"gpt-oss", "deepseek2", "qwen35moe", "phi3", "gemma4"};
    for (size_t i = 0; i < FT__COUNT(architectures); i++) {
        if (i == 1 || i == 3) check_company(architectures[i], FT__FORMAT_F32);
        else check_company(architectures[i], FT__FORMAT_Q8_0);
    }
}

/* Instruction sets and threads; and the same file twice gives the same adapter. */
TEST(adapter, the_same_bits_everywhere) {
    char first[65] = "", hex[65];
    static const char *const sets[] = {NULL, "scalar", "avx2"};
    const char *was = getenv("FT_ISA");
    char kept[32];
    snprintf(kept, sizeof kept, "%s", was ? was : "");
    tiny_write_arch(test_path("bits.gguf"), "qwen35moe", FT__FORMAT_Q8_0);
    for (size_t i = 0; i < FT__COUNT(sets); i++) {
        ft_error err;
        if (sets[i]) setenv("FT_ISA", sets[i], 1);
        ft_model *m = ft_model_load(test_path("bits.gguf"), NULL, &err);
        if (m) {
            begin("bits.gguf", 2, 1);
            write_all_kinds(l.adapter_path, m);
            end();
            ft_adapter *a = load_adapter(m, l.adapter_path);
            ft_session *s = session_of(m, 1 + (int)i, 9 + (int)i);
            float *logits = logits_of(s, a ? add_variant(s, a, 1) : 0, 11 - (int)i);
            ft__sha256_hex(logits, N * (size_t)tiny_vocab_size() * sizeof *logits, hex);
            if (!first[0]) snprintf(first, sizeof first, "%s", hex);
            CHECK_TEXT(hex, first);
            free(logits);
            ft_session_free(s);
            ft_adapter_free(a);
        } else CHECK_INT(err.code, FT_ERR_ARGUMENT); /* not on this machine */
        ft_model_free(m);
    }
    if (was) setenv("FT_ISA", kept, 1);
    else unsetenv("FT_ISA");
}

/* ---- what is refused */

static ft_model *wrong_model;
static char wrong_path[512];

/* Of the adapter at wrong_path with one tensor more, or (n0 0) one less. */
static void refused(const char *tensor, int n0, int n1, const float *data, ft_status status, const char *needle) {
    ft_error err = {FT_OK, "", ""};
    edit e;
    edit_begin(&e, wrong_path);
    if (n0) edit_tensor(&e, tensor, FT__FORMAT_F32, n0, n1, data);
    else edit_drop(&e, tensor);
    edit_save(&e, test_path("refused.gguf"));
    ft_adapter *a = ft_adapter_load(wrong_model, test_path("refused.gguf"), &err);
    CHECK(a == NULL);
    ft_adapter_free(a);
    CHECK_ERROR(err.code, status, err, needle);
}

TEST(adapter, wrong_changes) {
    static float bad[64], zeros[64 * 64];
    bad[3] = ft__float_of(0x7F800000u);
    tiny_write_arch(test_path("wrong.gguf"), "glm4moe", FT__FORMAT_F32);
    wrong_model = load(test_path("wrong.gguf"));
    begin("wrong.gguf", 2, 1);
    snprintf(wrong_path, sizeof wrong_path, "%s", l.adapter_path);
    change("blk.0.attn_output.weight", DORA);
    change("blk.1.ffn_up_exps.weight", LORA);
    change("blk.0.attn_norm.weight", WHOLE);
    change("blk.2.attn_output.weight", LORA);
    write_adapter(wrong_path);
    end();
    refused("blk.0.attn_output.weight.lora_a", 0, 0, NULL, FT_ERR_FORMAT,
            "blk.0.attn_output.weight: lora_a is missing");
    refused("blk.1.attn_output.weight.dora_scale", 64, 1, NULL, FT_ERR_FORMAT,
            "blk.1.attn_output.weight: lora_a is missing");
    refused("blk.0.attn_output.weight.dora_scale", 32, 1, NULL, FT_ERR_MISMATCH, "found shape [32, 1], expected [outputs, 1]");
    refused("blk.0.attn_output.weight.dora_scale", 64, 1, bad, FT_ERR_FORMAT, "holds an infinity or a NaN");
    refused("blk.0.attn_output.weight.lora_bias", 64, 1, NULL, FT_ERR_UNSUPPORTED, "DoRA with a bias");
    refused("blk.1.ffn_up_exps.weight.lora_bias", 64, 1, NULL, FT_ERR_UNSUPPORTED, "not in this version for experts");
    refused("blk.1.ffn_up_exps.weight.lora_b", RANK, 64, NULL, FT_ERR_MISMATCH,
            "found shape [3, 64], expected [rank, outputs, experts] of the model's weight [64, 64, 6]");
    refused("blk.1.ffn_up_shexp.weight.lora_b", RANK, 64, NULL, FT_ERR_FORMAT, "lora_a is missing");
    refused("blk.0.ffn_up_exps.weight.lora_b", RANK, 64, NULL, FT_ERR_MISMATCH, "the model has no weight");
    refused("blk.2.attn_output.weight.lora_scale", 2, 1, NULL, FT_ERR_MISMATCH, "found shape [2, 1], expected [1, 1]");
    refused("blk.2.attn_output.weight", 128, 64, NULL, FT_ERR_FORMAT, "factors of it and a tensor in its place");
    refused("blk.1.attn_output.weight", 64, 64, NULL, FT_ERR_MISMATCH, "found shape [64, 64], expected that");
    refused("blk.1.attn_norm.weight.lora_a", 64, RANK, NULL, FT_ERR_UNSUPPORTED, "changes of this tensor");
    refused("blk.1.exp_probs_b.bias", 6, 1, NULL, FT_ERR_UNSUPPORTED, "changes of this tensor");
    refused("blk.0.attn_norm.weight", 64, 1, bad, FT_ERR_FORMAT, "holds an infinity or a NaN");
    refused("blk.0.attn_norm.weight", 32, 1, NULL, FT_ERR_MISMATCH, "found shape [32, 1]");
    refused("token_embd.weight.dora_scale", 64, 1, NULL, FT_ERR_FORMAT, "lora_a is missing");
    refused("blk.9.attn_norm.weight", 64, 1, zeros, FT_ERR_MISMATCH, "the model has no weight");
    ft_model_free(wrong_model);
    /* a row that has no length */
    tiny_write_arch(test_path("zero.gguf"), "llama", FT__FORMAT_F32);
    edit_poke(test_path("zero.gguf"), "blk.0.attn_k.weight", 5 * 64 * 4, zeros, 64 * 4);
    wrong_model = load(test_path("zero.gguf"));
    begin("zero.gguf", 2, 1);
    change("blk.0.attn_k.weight", DORA);
    write_adapter(wrong_path);
    end();
    refused("blk.0.attn_k.weight.lora_b", RANK, 64, zeros, FT_ERR_FORMAT, "a row of the weight with its change has no length");
    ft_model_free(wrong_model);
}

/* Per-layer inputs of gemma4 and attn_kv_b as older files have it stay as they are: a change is refused. */
TEST(adapter, tensors_that_take_none) {
    tiny_write_arch(test_path("takes_none.gguf"), "gemma4", FT__FORMAT_F32);
    wrong_model = load(test_path("takes_none.gguf"));
    begin("takes_none.gguf", 2, 1);
    snprintf(wrong_path, sizeof wrong_path, "%s", l.adapter_path);
    change("blk.0.attn_norm.weight", WHOLE);
    write_adapter(wrong_path);
    end();
    refused("per_layer_token_embd.weight", 160, tiny_vocab_size(), NULL, FT_ERR_UNSUPPORTED, "changes of this tensor");
    refused("blk.0.layer_output_scale.weight", 1, 1, NULL, FT_ERR_UNSUPPORTED, "changes of this tensor");
    refused("blk.0.ffn_gate_inp.scale", 64, 1, NULL, FT_ERR_UNSUPPORTED, "changes of this tensor");
    ft_model_free(wrong_model);
}

/* Whatever byte of an adapter's head is wrong: it is refused, or it is another adapter. */
TEST(adapter, any_byte_of_the_head) {
    write_biased("bytes.gguf", false);
    wrong_model = load(test_path("bytes.gguf"));
    begin("bytes.gguf", 2, 1);
    change("blk.0.attn_q.weight", DORA);
    change("blk.0.attn_k.weight", BIASED);
    change("blk.1.attn_k.weight", WHOLE);
    change("blk.1.attn_k.bias", WHOLE);
    change("token_embd.weight", LORA);
    write_adapter(l.adapter_path);
    end();
    size_t n, n_loaded = 0, n_refused = 0;
    char *text = test_read(l.adapter_path, &n);
    for (size_t at = 8; text && at < 1200; at += 2) {
        const char was = text[at];
        text[at] = (char)(at % 3 == 0 ? 0xFF : at % 3 == 1 ? was ^ 1 : was + 1);
        FILE *f = fopen(test_path("byte.gguf"), "wb");
        if (CHECK(f && fwrite(text, 1, n, f) == n)) fclose(f);
        ft_adapter *a = ft_adapter_load(wrong_model, test_path("byte.gguf"), NULL);
        n_loaded += a != NULL;
        n_refused += a == NULL;
        ft_adapter_free(a);
        text[at] = was;
    }
    test_note("%zu changes still load, %zu are refused", n_loaded, n_refused);
    CHECK(n_refused > 100);
    free(text);
    ft_model_free(wrong_model);
}

/* ---- variants that come and go */

typedef struct guests {
    ft_model *m;
    ft_adapter *lora, *whole, *dora;
} guests;

static guests begin_guests(void) {
    guests g;
    write_biased("guests.gguf", false);
    g.m = load(test_path("guests.gguf"));
    begin("guests.gguf", 2, 1);
    change("blk.0.attn_q.weight", LORA);
    change("blk.1.ffn_down.weight", LORA);
    write_adapter(l.adapter_path);
    end();
    g.lora = load_adapter(g.m, l.adapter_path);
    begin("guests.gguf", 2, 1);
    change("blk.0.attn_q.weight", WHOLE);
    change("blk.0.attn_q.bias", WHOLE);
    write_adapter(l.adapter_path);
    end();
    g.whole = load_adapter(g.m, l.adapter_path);
    begin("guests.gguf", 2, 1);
    change("blk.0.attn_q.weight", DORA);
    write_adapter(l.adapter_path);
    end();
    g.dora = load_adapter(g.m, l.adapter_path);
    return g;
}

static void end_guests(guests *g) {
    ft_adapter_free(g->lora);
    ft_adapter_free(g->whole);
    ft_adapter_free(g->dora);
    ft_model_free(g->m);
}

/* A running sequence of the base does not notice; a variant that comes later is what it is alone. */
TEST(adapter, variants_come_and_go) {
    ft_error err;
    guests g = begin_guests();
    const size_t n_vocab = (size_t)tiny_vocab_size();
    static float got[N * 512];
    ft_session *s = session_of(g.m, 2, 16), *alone = session_of(g.m, 2, 16);
    float *wanted = logits_of(alone, 0, N), *of_lora = logits_of(alone, add_variant(alone, g.lora, 1), N);
    int running, guest = 0, sequence = 0;
    CHECK_OK(ft_session_open(s, 0, &running, &err), err);
    for (int i = 0; i < N; i++) {
        const ft_adapter *of[3] = {g.lora, g.whole, g.dora};
        const int32_t one = token(i);
        if (i % 5 == 1) {
            guest = add_variant(s, of[i / 5 % 3], 1);
            CHECK_INT(guest, 1); /* always the same number */
            CHECK_OK(ft_session_open(s, guest, &sequence, &err), err);
        }
        ft_feed feeds[2] = {{sequence, &one, 1, NULL, NULL}, {running, &one, 1, got + (size_t)i * n_vocab, NULL}};
        CHECK_OK(ft_session_decode(s, i % 5 ? feeds : feeds + 1, i % 5 ? 2 : 1, &err), err);
        if (i % 5 == 4) {
            CHECK_ERROR(ft_session_remove_variant(s, guest, &err), FT_ERR_ARGUMENT, err, "sequence 1 of 1 is open");
            ft_session_close(s, sequence);
            CHECK_OK(ft_session_remove_variant(s, guest, &err), err);
            CHECK_ERROR(ft_session_open(s, guest, &sequence, &err), FT_ERR_ARGUMENT, err, "variant: 1 was removed");
            CHECK_ERROR(ft_session_remove_variant(s, guest, &err), FT_ERR_ARGUMENT, err, "variant: 1 was removed");
        }
    }
    CHECK(same(got, wanted));
    CHECK_ERROR(ft_session_remove_variant(s, 0, &err), FT_ERR_ARGUMENT, err, "0 is the base");
    CHECK_ERROR(ft_session_remove_variant(s, 9, &err), FT_ERR_ARGUMENT, err, "found 9");
    float *late = logits_of(s, add_variant(s, g.lora, 1), N);
    CHECK(same(late, of_lora));
    free(late);
    free(wanted);
    free(of_lora);
    ft_session_free(s);
    ft_session_free(alone);
    end_guests(&g);
}

/* The pages of a variant that was removed are not found by the next one of its number. */
TEST(adapter, a_number_used_again_shares_nothing) {
    ft_error err;
    guests g = begin_guests();
    static int32_t prompt[100];
    int32_t made[2][8];
    for (int i = 0; i < 100; i++) prompt[i] = token(i);
    for (int again = 0; again < 2; again++) {
        ft_session *s = session_of(g.m, 1, 64);
        for (int turn = again; turn < 2; turn++) {
            ft_request r;
            ft_completion out;
            memset(&r, 0, sizeof r);
            r.variant = add_variant(s, turn ? g.dora : g.whole, 1);
            r.prompt = prompt;
            r.n_prompt = 100;
            r.max_tokens = 8;
            memset(made[again], 0, sizeof made[again]);
            if (!CHECK_OK(ft_session_generate(s, &r, 1, &out, NULL, &err), err)) continue;
            memcpy(made[again], out.tokens, (size_t)out.n_tokens * sizeof *out.tokens);
            CHECK_INT(ft_session_get_stats(s).tokens_shared, 0);
            ft_completions_free(s, &out, 1);
            CHECK_OK(ft_session_remove_variant(s, r.variant, &err), err);
        }
        ft_session_free(s);
    }
    CHECK(memcmp(made[0], made[1], sizeof made[0]) == 0);
    end_guests(&g);
}

TEST(adapter, stacked) {
    ft_error err;
    guests g = begin_guests();
    ft_session *s = session_of(g.m, 2, 16);
    ft_adapter_use uses[3] = {{g.whole, 1}, {g.lora, 0.5f}, {g.whole, 1}};
    int variant;
    CHECK_OK(ft_session_add_variant(s, uses, 2, &variant, &err), err);
    CHECK_ERROR(ft_session_add_variant(s, uses, 3, &variant, &err), FT_ERR_MISMATCH, err,
                "blk.0.attn_q.weight: adapters 0 and 2 both replace it");
    uses[2].scale = 0;
    CHECK_OK(ft_session_add_variant(s, uses, 3, &variant, &err), err);
    uses[0].scale = 0.5f;
    CHECK_ERROR(ft_session_add_variant(s, uses, 1, &variant, &err), FT_ERR_UNSUPPORTED, err,
                "blk.0.attn_q.weight: adapter 0 replaces it: the scale can only be 0 or 1");
    uses[0].scale = 1, uses[1].adapter = g.dora;
    CHECK_ERROR(ft_session_add_variant(s, uses, 2, &variant, &err), FT_ERR_UNSUPPORTED, err, "DoRA");
    /* each changes the model's own weight: together they are the sum */
    ft_adapter_use sum[3] = {{g.dora, 0.5f}, {g.lora, 0.3f}, {g.dora, 0.25f}};
    edit e;
    edit_begin(&e, test_path("guests.gguf"));
    float *w[2];
    for (int i = 0; i < g.lora->n_changes; i++) { /* all that the others change, too */
        const int tensor = g.lora->changes[i].tensor;
        const ft__gguf_tensor *t = &g.m->file.tensors[tensor];
        float *base = floats(t);
        w[i] = floats(t);
        for (int k = 0; k < 3; k++)
            CHECK_OK(ft__adapter_apply(sum[k].adapter, sum[k].scale, tensor, 0, t->ne[1], base, w[i], &err), err);
        edit_tensor(&e, t->name, FT__FORMAT_F32, (int)t->ne[0], (int)t->ne[1], w[i]);
        free(base);
    }
    edit_save(&e, test_path("sum.gguf"));
    ft_model *merged = load(test_path("sum.gguf"));
    ft_session *other = session_of(merged, 1, 32);
    CHECK_OK(ft_session_add_variant(s, sum, 3, &variant, &err), err);
    float *ours = logits_of(s, variant, 9), *wanted = logits_of(other, 0, N);
    CHECK(farthest(ours, wanted) <= 1e-4);
    free(ours);
    free(wanted);
    free(w[0]);
    free(w[1]);
    ft_session_free(other);
    ft_model_free(merged);
    ft_session_free(s);
    end_guests(&g);
}

/* ---- memory */

TEST(adapter, out_of_memory) {
    ft_error err;
    test_memory memory = {0, 0, 0};
    ft_model_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.allocator = test_allocator(&memory);
    tiny_write_arch(test_path("memory.gguf"), "glm4moe", FT__FORMAT_Q8_0);
    ft_model *m = ft_model_load(test_path("memory.gguf"), &desc, &err);
    if (!CHECK_OK(m ? FT_OK : err.code, err)) return;
    begin("memory.gguf", 2, 1);
    change("blk.0.attn_output.weight", DORA);
    change("blk.1.ffn_up_exps.weight", LORA);
    change("blk.0.attn_norm.weight", WHOLE);
    change("blk.2.attn_output.weight", WHOLE);
    write_adapter(l.adapter_path);
    end();
    const long live = memory.live;
    long failed = 0;
    for (long at = 1; at < 500; at++, failed++) {
        memory.requests = 0;
        memory.fail_at = at;
        ft_adapter *a = ft_adapter_load(m, l.adapter_path, &err);
        memory.fail_at = 0;
        ft_adapter_free(a);
        CHECK_INT(memory.live, live);
        if (a) break;
        CHECK_INT(err.code, FT_ERR_MEMORY);
    }
    CHECK(failed > 10 && failed < 499);
    ft_model_free(m);
    CHECK_INT(memory.live, 0);
}

/* ---- another model as a candidate */

/* An allocator that counts bytes. */
static size_t bytes_live;

static void *count_alloc(void *user, size_t size) {
    size_t *block = (size_t *)malloc(size + 16);
    (void)user;
    if (!block) return NULL;
    bytes_live += *block = size;
    return (char *)block + 16;
}

static void count_release(void *user, void *memory) {
    size_t *block = (size_t *)(void *)((char *)memory - 16);
    (void)user;
    bytes_live -= *block;
    free(block);
}

static void *count_resize(void *user, void *memory, size_t size) {
    void *moved = count_alloc(user, size);
    if (!moved || !memory) return moved;
    size_t was = *(size_t *)(void *)((char *)memory - 16);
    memcpy(moved, memory, was < size ? was : size);
    count_release(user, memory);
    return moved;
}

/* Two models that are nearly the same take little more memory than one, and compute what they would alone. */
TEST(adapter, models_share_weights) {
    static uint8_t other_rows[4 * 256 * 34];
    tiny_model options;
    ft_model_desc desc;
    ft_error err;
    ft_allocator counting = {NULL, count_alloc, count_resize, count_release};
    memset(&options, 0, sizeof options);
    memset(&desc, 0, sizeof desc);
    options.n_embd = 256, options.n_ff = 1024, options.n_layers = 4, options.type = FT__FORMAT_Q8_0;
    tiny_write_model(test_path("first.gguf"), &options);
    tiny_write_model(test_path("tuned.gguf"), &options);
    edit_poke(test_path("tuned.gguf"), "blk.2.ffn_up.weight", 0, other_rows, sizeof other_rows);
    desc.allocator = counting;
    bytes_live = 0;
    ft_model *first = ft_model_load(test_path("first.gguf"), &desc, &err);
    const size_t one = bytes_live;
    ft_model *alone = ft_model_load(test_path("tuned.gguf"), &desc, &err);
    const size_t two = bytes_live - one;
    desc.share_with = first;
    ft_model *tuned = ft_model_load(test_path("tuned.gguf"), &desc, &err);
    const size_t more = bytes_live - one - two;
    if (CHECK_OK(first && alone && tuned ? FT_OK : err.code, err)) {
        const size_t matrix = 1024 * 256 * 34 / 32; /* the one that differs */
        test_note("%zu bytes alone, %zu more beside the first", two, more);
        CHECK(more < two / 4 && more > matrix);
        ft_session *a = session_of(alone, 1, 64), *b = session_of(tuned, 1, 64), *c = session_of(first, 1, 64);
        float *of_alone = logits_of(a, 0, N), *of_tuned = logits_of(b, 0, N), *of_first = logits_of(c, 0, N);
        CHECK(same(of_alone, of_tuned));
        CHECK(!same(of_alone, of_first));
        free(of_alone);
        free(of_tuned);
        free(of_first);
        ft_session_free(a);
        ft_session_free(b);
        ft_session_free(c);
    }
    ft_model_free(tuned);
    ft_model_free(alone);
    ft_model_free(first);
    CHECK_INT(bytes_live, 0);
}

/* What a folder's tensors become in memory is there once only: sharing must not drop it. */
TEST(adapter, shared_folders_keep_their_tensors) {
    ft_model_desc desc;
    ft_error err;
    char path[512];
    if (!test_shared("lora/llama/manifest.json")) SKIP("no ../shared");
    snprintf(path, sizeof path, "%s", test_shared("lora/llama/hf"));
    memset(&desc, 0, sizeof desc);
    ft_model *first = load(path);
    desc.share_with = first;
    ft_model *second = ft_model_load(path, &desc, &err);
    if (CHECK_OK(first && second ? FT_OK : err.code, err)) {
        CHECK(second->layers[0].module[FT__Q].w.data == first->layers[0].module[FT__Q].w.data);
        for (size_t i = 0; i < first->file.n_tensors; i++)
            CHECK(memcmp(first->file.tensors[i].data, second->file.tensors[i].data,
                         (size_t)first->file.tensors[i].size) == 0);
    }
    ft_model_free(second);
    ft_model_free(first);
}
