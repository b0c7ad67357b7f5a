/* Folders of PEFT adapters.  Against ../shared the logits under them; without it folders of our own, whose
   every number is told by its place. */
#include "test.h"
#include "tiny.h"
#include "../src/model/peft.h"

#include <sys/stat.h>
#include <unistd.h>

/* ---- folders of our own */

enum { MAX_TENSORS = 64 };

typedef struct out_tensor {
    char name[256];
    const char *dtype;
    uint64_t rows, cols; /* rows 0: a vector */
} out_tensor;

static struct {
    char path[256];
    out_tensor tensors[MAX_TENSORS];
    int n;
} folder;

static const char *in_folder(const char *file) {
    static char path[4][512];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder.path, file);
    return path[turn];
}

static void new_folder(void) {
    static int count;
    char name[32];
    snprintf(name, sizeof name, "peft%d", count++);
    snprintf(folder.path, sizeof folder.path, "%s", test_path(name));
    mkdir(folder.path, 0700);
    folder.n = 0;
}

static void add_raw(const char *name, const char *dtype, uint64_t rows, uint64_t cols) {
    out_tensor *t = &folder.tensors[folder.n++];
    if (folder.n > MAX_TENSORS) abort();
    snprintf(t->name, sizeof t->name, "%s", name);
    t->dtype = dtype;
    t->rows = rows;
    t->cols = cols;
}

static void add(const char *name, uint64_t rows, uint64_t cols) {
    char full[256];
    snprintf(full, sizeof full, "base_model.model.%s", name);
    add_raw(full, "F32", rows, cols);
}

/* "model.layers.N." MODULE with both factors */
static void add_pair(int layer, const char *module, uint64_t n_in, uint64_t n_out, uint64_t rank) {
    char name[200];
    snprintf(name, sizeof name, "model.layers.%d.%s.lora_A.weight", layer, module);
    add(name, rank, n_in);
    snprintf(name, sizeof name, "model.layers.%d.%s.lora_B.weight", layer, module);
    add(name, n_out, rank);
}

/* Element i of a tensor: exact in F16 and BF16, and told from others by name. */
static float value_of(const char *name, uint64_t i) {
    uint32_t h = 2166136261u;
    for (; *name; name++) h = (h ^ (uint8_t)*name) * 16777619u;
    return (float)((int)((h + i * 37 + i / 64 * 11) % 127) - 63) / 64;
}

/* The value of "base_model.model." NAME at a row and a column. */
static float at(const char *name, uint64_t row, uint64_t n_cols, uint64_t col) {
    char full[256];
    snprintf(full, sizeof full, "base_model.model.%s", name);
    return value_of(full, row * n_cols + col);
}

static void write_shard(const char *file, int first, int n) {
    ft__buf b, data;
    uint64_t length = 0;
    ft__buf_init(&b, NULL);
    ft__buf_init(&data, NULL);
    ft__buf_add(&b, (const char *)&length, 8);
    ft__buf_text(&b, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (int i = first; i < first + n; i++) {
        const out_tensor *t = &folder.tensors[i];
        const size_t begin = data.len;
        for (uint64_t k = 0; k < (t->rows ? t->rows : 1) * t->cols; k++) {
            const float value = value_of(t->name, k);
            const uint16_t half = *t->dtype == 'B' ? ft__f32_to_bf16(value) : ft__f32_to_f16(value);
            if (strcmp(t->dtype, "F32") == 0) ft__buf_add(&data, (const char *)&value, 4);
            else ft__buf_add(&data, (const char *)&half, 2);
        }
        ft__buf_printf(&b, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", t->name, t->dtype);
        if (t->rows) ft__buf_printf(&b, "%llu,", (unsigned long long)t->rows);
        ft__buf_printf(&b, "%llu],\"data_offsets\":[%zu,%zu]}", (unsigned long long)t->cols, begin, data.len);
    }
    ft__buf_text(&b, "}");
    length = b.len - 8;
    memcpy(b.data, &length, 8);
    ft__buf_add(&b, data.data, data.len);
    test_write(in_folder(file), b.data, b.len);
    ft__buf_free(&b);
    ft__buf_free(&data);
}

/* adapter_config.json with more fields, and all tensors in one file. */
static void write_folder(const char *fields) {
    char text[2000];
    snprintf(text, sizeof text, "{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8, %s}", fields);
    test_write(in_folder("adapter_config.json"), text, strlen(text));
    write_shard("adapter_model.safetensors", 0, folder.n);
}

/* ---- bases */

enum { D = 64, V_HEADS = 2, HEAD = 16, KV = 32, FF = 128, LAYERS = 2 }; /* of tiny models */

static ft_model *load(const char *path) {
    ft_error err;
    ft_model *m = ft_model_load(path, NULL, &err);
    CHECK_OK(m ? FT_OK : err.code, err);
    return m;
}

static ft_model *tiny_base(bool tied, int n_experts) {
    tiny_model options;
    memset(&options, 0, sizeof options);
    options.tied = tied;
    options.n_experts = n_experts;
    tiny_write_model(test_path("peft-base.gguf"), &options);
    return load(test_path("peft-base.gguf"));
}

static ft_model *arch_base(const char *architecture) {
    tiny_write_arch(test_path("peft-base.gguf"), architecture, FT__FORMAT_F32);
    return load(test_path("peft-base.gguf"));
}

static bool open_on(ft__gguf *g, const ft_model *base) {
    ft_error err;
    return CHECK_OK(ft__peft_open(g, folder.path, base, &err), err);
}

static void check_refused(const ft_model *base, ft_status expected, const char *needle) {
    ft_error err;
    ft__gguf g;
    ft_status status = ft__peft_open(&g, folder.path, base, &err);
    CHECK_ERROR(status, expected, err, needle);
    if (status == FT_OK) ft__gguf_close(&g);
}

/* A tensor as floats, NULL (and a failed check) if it is not there with that shape; free() it. */
static float *floats_of(const ft__gguf *g, const char *name, uint64_t n0, uint64_t n1, uint64_t n2) {
    const ft__gguf_tensor *t = ft__gguf_find(g, name);
    if (!t || t->ne[0] != n0 || t->ne[1] != n1 || t->ne[2] != n2)
        test_note("%s: [%d, %d, %d]", name, t ? (int)t->ne[0] : 0, t ? (int)t->ne[1] : 0, t ? (int)t->ne[2] : 0);
    if (!CHECK(t && t->ne[0] == n0 && t->ne[1] == n1 && t->ne[2] == n2)) return NULL;
    float *values = (float *)malloc((size_t)(n0 * n1 * n2) * sizeof *values);
    if (!values) abort();
    ft__format_find(t->type)->decode(t->data, (size_t)(n0 * n1 * n2), values);
    return values;
}

static float scale_of(const ft__gguf *g, const char *weight) {
    char name[128];
    float scale;
    snprintf(name, sizeof name, "%s.lora_scale", weight);
    const ft__gguf_tensor *t = ft__gguf_find(g, name);
    if (!t) return -1;
    memcpy(&scale, t->data, sizeof scale);
    return scale;
}

/* Where row j of a matrix with heads of `head` rows goes. */
static uint64_t moved(uint64_t j, uint64_t head) {
    uint64_t in = j % head;
    return j - in + (in < head / 2 ? 2 * in : 2 * (in - head / 2) + 1);
}

/* Every element of NAME in g is that of `source`, rows moved by heads of `head` (0: none). */
static void check_same(const ft__gguf *g, const char *name, const char *source, uint64_t rows, uint64_t cols,
                       uint64_t head) {
    float *values = rows ? floats_of(g, name, cols, rows, 1) : floats_of(g, name, cols, 1, 1);
    int wrong = 0;
    for (uint64_t r = 0; values && r < (rows ? rows : cols); r++)
        for (uint64_t c = 0; c < (rows ? cols : 1); c++) {
            const uint64_t to = head ? moved(r, head) : r;
            wrong += values[rows ? to * cols + c : to] != at(source, r, rows ? cols : 1, c);
        }
    if (wrong) test_note("%s", name);
    CHECK_INT(wrong, 0);
    free(values);
}

/* ---- what becomes of tensors */

#define QV "\"target_modules\": [\"q_proj\", \"v_proj\"]"

TEST(peft, lora_lies_as_the_base_has_it) {
    ft_model *base = tiny_base(false, 0);
    ft__gguf g;
    ft__gguf_str kind = {"", 0};
    ft_error err;
    new_folder();
    for (int i = 0; i < LAYERS; i++) {
        add_pair(i, "self_attn.q_proj", D, D, 4);
        add_pair(i, "self_attn.v_proj", D, KV, 4);
    }
    folder.tensors[1].dtype = "F16";
    folder.tensors[3].dtype = "BF16";
    write_folder(QV ", \"fan_in_fan_out\": true, \"task_type\": \"CAUSAL_LM\", \"lora_dropout\": 0.05,"
                    "\"layer_replication\": null, \"use_qalora\": false, \"qalora_group_size\": 16,"
                    "\"loftq_config\": {},"
                    "\"init_lora_weights\": \"gaussian\", \"some_new_field\": null");
    if (open_on(&g, base)) {
        CHECK_INT(g.n_tensors, 4 * LAYERS);
        check_same(&g, "blk.0.attn_q.weight.lora_a", "model.layers.0.self_attn.q_proj.lora_A.weight", 4, D, 0);
        check_same(&g, "blk.0.attn_q.weight.lora_b", "model.layers.0.self_attn.q_proj.lora_B.weight", D, 4, HEAD);
        check_same(&g, "blk.0.attn_v.weight.lora_b", "model.layers.0.self_attn.v_proj.lora_B.weight", KV, 4, 0);
        check_same(&g, "blk.1.attn_v.weight.lora_a", "model.layers.1.self_attn.v_proj.lora_A.weight", 4, D, 0);
        CHECK(scale_of(&g, "blk.0.attn_q.weight") < 0); /* 8 / 4, as every reader takes it */
        CHECK(ft__gguf_number_at(ft__gguf_key(&g, "adapter.lora.alpha"), 0) == 8);
        CHECK_OK(ft__gguf_string(&g, "ft.adapter.kind", &kind, &err), err);
        CHECK(ft__text_equal(kind.data, kind.len, "lora", 4));
        ft__gguf_close(&g);
    }
    ft_adapter *a = ft_adapter_load(base, folder.path, &err);
    if (CHECK_OK(a ? FT_OK : err.code, err)) {
        const ft__change *v = ft__adapter_change(a, &base->layers[1].module[FT__V]);
        CHECK(v && v->rank == 4);
        CHECK(!ft__adapter_change(a, &base->layers[1].module[FT__K]));
    }
    ft_adapter_free(a);
    ft_model_free(base);
}

TEST(peft, factors_follow_patterns) {
    ft_model *base = tiny_base(false, 0);
    ft__gguf g;
    new_folder();
    add_pair(0, "self_attn.q_proj", D, D, 9);
    add_pair(1, "self_attn.q_proj", D, D, 4);
    add_pair(0, "mlp.down_proj", FF, D, 4);
    add_pair(1, "mlp.down_proj", FF, D, 4);
    const char *more = "\"target_modules\": [\"q_proj\", \"mlp.down_proj\"], "
                       "\"rank_pattern\": {\"^model.layers.0.self_attn.q_proj\": 9},"
                       "\"alpha_pattern\": {\"0\\\\.mlp\\\\.(up|down)_proj\": 2, \"down_proj\": 16,"
                       "\"wn_proj\": 100},"
                       "\"use_rslora\": ";
    char text[500];
    snprintf(text, sizeof text, "%sfalse", more);
    write_folder(text);
    if (open_on(&g, base)) {
        CHECK_NEAR(scale_of(&g, "blk.0.attn_q.weight"), -1, 0); /* 8 / 9, as granted */
        CHECK_NEAR(scale_of(&g, "blk.1.attn_q.weight"), -1, 0);
        CHECK_NEAR(scale_of(&g, "blk.0.ffn_down.weight"), 0.5, 0);
        CHECK_NEAR(scale_of(&g, "blk.1.ffn_down.weight"), 4, 0);
        ft__gguf_close(&g);
    }
    snprintf(text, sizeof text, "%strue", more);
    write_folder(text);
    if (open_on(&g, base)) {
        CHECK_NEAR(scale_of(&g, "blk.0.attn_q.weight"), 8.0 / 3, 1e-6);
        CHECK_NEAR(scale_of(&g, "blk.1.attn_q.weight"), 4, 0);
        CHECK_NEAR(scale_of(&g, "blk.1.ffn_down.weight"), 8, 0);
        ft__gguf_close(&g);
    }
    write_folder("\"target_modules\": [\"q_proj\", \"down_proj\"], \"lora_alpha\": 0,"
                 "\"rank_pattern\": {\"0.self_attn.q_proj\": 9}");
    if (open_on(&g, base)) {
        CHECK_NEAR(scale_of(&g, "blk.1.attn_q.weight"), 0, 0); /* an alpha of 0 in GGUF would mean 1 */
        ft__gguf_close(&g);
    }
    ft_model_free(base);
}

TEST(peft, magnitudes_and_biases) {
    static const char *const names[2] = {"lora_magnitude_vector", "lora_magnitude_vector.weight"};
    static const char only[] = "\"target_modules\": \"model\\\\.layers\\\\.1\\\\.self_attn\\\\.k_proj\"";
    ft_model *base = tiny_base(false, 0);
    char text[300], source[200];
    ft__gguf g;
    for (int old = 0; old < 2; old++) {
        new_folder();
        add_pair(1, "self_attn.k_proj", D, KV, 4);
        snprintf(source, sizeof source, "model.layers.1.self_attn.k_proj.%s", names[old]);
        add(source, 0, KV);
        snprintf(text, sizeof text, "%s, \"use_dora\": true", only);
        write_folder(text);
        if (open_on(&g, base)) {
            CHECK_INT(g.n_tensors, 3);
            check_same(&g, "blk.1.attn_k.weight.dora_scale", source, 0, KV, HEAD);
            ft__gguf_close(&g);
        }
        write_folder(only);
        check_refused(base, FT_ERR_FORMAT, "does not say use_dora");
    }
    new_folder();
    add_pair(1, "self_attn.k_proj", D, KV, 4);
    add("model.layers.1.self_attn.k_proj.lora_B.bias", 0, KV);
    snprintf(text, sizeof text, "%s, \"lora_bias\": true", only);
    write_folder(text);
    if (open_on(&g, base)) {
        check_same(&g, "blk.1.attn_k.weight.lora_bias", "model.layers.1.self_attn.k_proj.lora_B.bias", 0, KV, HEAD);
        ft__gguf_close(&g);
    }
    folder.n = 2;
    write_folder(text);
    check_refused(base, FT_ERR_FORMAT, "k_proj.lora_B.bias: the tensor is missing");
    snprintf(text, sizeof text, "%s, \"use_dora\": true", only);
    write_folder(text);
    check_refused(base, FT_ERR_FORMAT, "k_proj.lora_magnitude_vector: the tensor is missing");
    ft_model_free(base);
}

TEST(peft, vera_becomes_lora) {
    static const char config[] =
        "\"peft_type\": \"VERA\", \"save_projection\": true, \"projection_prng_key\": 7, \"d_initial\": 0.1, " QV;
    ft_model *base = tiny_base(false, 0);
    ft__gguf g;
    new_folder();
    for (int i = 0; i < LAYERS; i++)
        for (int k = 0; k < 2; k++) {
            char name[100];
            snprintf(name, sizeof name, "model.layers.%d.self_attn.%c_proj.vera_lambda_b", i, "qv"[k]);
            add(name, 0, k ? KV : D);
            snprintf(name, sizeof name, "model.layers.%d.self_attn.%c_proj.vera_lambda_d", i, "qv"[k]);
            add(name, 0, 4);
        }
    add_raw("base_model.vera_A", "F32", 4, FF);
    add_raw("base_model.vera_B", "F32", FF, 4);
    write_folder(config);
    if (open_on(&g, base)) {
        float *a = floats_of(&g, "blk.1.attn_q.weight.lora_a", D, 4, 1);
        float *b = floats_of(&g, "blk.1.attn_q.weight.lora_b", 4, D, 1);
        int wrong = 0;
        for (uint64_t k = 0; a && b && k < 4; k++) {
            const float d = at("model.layers.1.self_attn.q_proj.vera_lambda_d", 0, 1, k);
            for (uint64_t i = 0; i < D; i++) {
                const float gain = at("model.layers.1.self_attn.q_proj.vera_lambda_b", 0, 1, i);
                wrong += a[k * D + i] != d * value_of("base_model.vera_A", k * FF + i);
                wrong += b[moved(i, HEAD) * 4 + k] != gain * value_of("base_model.vera_B", i * 4 + k);
            }
        }
        CHECK_INT(wrong, 0);
        CHECK(ft__gguf_number_at(ft__gguf_key(&g, "adapter.lora.alpha"), 0) == 0); /* the factor is 1 */
        CHECK(scale_of(&g, "blk.1.attn_q.weight") < 0);
        free(a);
        free(b);
        ft__gguf_close(&g);
    }
    folder.tensors[folder.n - 1].rows = KV;
    write_folder(config);
    check_refused(base, FT_ERR_MISMATCH, "base_model.vera_B");
    folder.n -= 2;
    write_folder(config);
    check_refused(base, FT_ERR_UNSUPPORTED, "save_projection");
    write_folder(QV);
    check_refused(base, FT_ERR_FORMAT, "says LORA");
    ft_model_free(base);
}

TEST(peft, embeddings_and_heads) {
    const uint64_t n = (uint64_t)tiny_vocab_size();
    for (int tied = 0; tied < 2; tied++) {
        ft_model *base = tiny_base(tied, 0);
        ft__gguf g;
        new_folder();
        add("model.embed_tokens.lora_embedding_A", 4, n);
        add("model.embed_tokens.lora_embedding_B", D, 4);
        add("model.embed_tokens.base_layer.weight", n, D); /* frozen: what PEFT adds of itself */
        add("lm_head.lora_A.weight", 4, D);
        add("lm_head.lora_B.weight", n, 4);
        write_folder("\"target_modules\": [\"embed_tokens\", \"lm_head\"]");
        if (open_on(&g, base)) {
            CHECK_INT(g.n_tensors, 4);
            float *a = floats_of(&g, "token_embd.weight.lora_a", 4, n, 1);
            int wrong = 0;
            for (uint64_t t = 0; a && t < n; t++)
                for (uint64_t k = 0; k < 4; k++)
                    wrong += a[t * 4 + k] != at("model.embed_tokens.lora_embedding_A", k, n, t);
            CHECK_INT(wrong, 0);
            free(a);
            check_same(&g, "token_embd.weight.lora_b", "model.embed_tokens.lora_embedding_B", D, 4, 0);
            check_same(&g, "output.weight.lora_a", "lm_head.lora_A.weight", 4, D, 0);
            check_same(&g, "output.weight.lora_b", "lm_head.lora_B.weight", n, 4, 0);
            ft__gguf_close(&g);
        }
        folder.tensors[2].rows = n + 8; /* a vocabulary that has grown */
        write_folder("\"target_modules\": [\"embed_tokens\", \"lm_head\"]");
        check_refused(base, FT_ERR_MISMATCH, "embed_tokens.base_layer.weight");
        folder.n = 2;
        write_folder("\"target_modules\": [\"embed_tokens\"], \"use_dora\": true");
        check_refused(base, FT_ERR_UNSUPPORTED, "use_dora");
        write_folder("\"target_modules\": [\"embed_tokens\"], \"ensure_weight_tying\": true");
        if (tied) check_refused(base, FT_ERR_UNSUPPORTED, "ensure_weight_tying");
        else if (open_on(&g, base)) ft__gguf_close(&g);
        new_folder();
        add("model.embed_tokens.weight", n, D);
        write_folder("\"modules_to_save\": [\"embed_tokens\"], \"ensure_weight_tying\": true");
        if (open_on(&g, base)) { /* a tied head goes along */
            CHECK_INT(g.n_tensors, 1 + tied);
            check_same(&g, "token_embd.weight", "model.embed_tokens.weight", n, D, 0);
            if (tied) check_same(&g, "output.weight", "model.embed_tokens.weight", n, D, 0);
            ft__gguf_close(&g);
        }
        ft_model_free(base);
    }
}

/* base + B A at a few tokens is the new row; elsewhere the base. */
TEST(peft, retrained_tokens_become_lora) {
    static const char name[] = "model.embed_tokens.token_adapter.trainable_tokens_delta";
    static const int tokens[3] = {7, 300, 2};
    const uint64_t n = (uint64_t)tiny_vocab_size();
    ft_model *base = tiny_base(true, 0);
    ft__gguf g;
    new_folder();
    add(name, 3, D);
    write_folder("\"trainable_token_indices\": [7, 300, 2]");
    if (open_on(&g, base)) {
        float *w = floats_of(&base->file, "token_embd.weight", D, n, 1);
        float *a = floats_of(&g, "token_embd.weight.lora_a", 3, n, 1);
        float *b = floats_of(&g, "token_embd.weight.lora_b", 3, D, 1);
        float *head_a = floats_of(&g, "output.weight.lora_a", D, 3, 1);
        float *head_b = floats_of(&g, "output.weight.lora_b", 3, n, 1);
        double worst = 0;
        for (uint64_t t = 0; w && a && b && head_a && head_b && t < n; t++)
            for (uint64_t i = 0; i < D; i++) {
                double wanted = (double)w[t * D + i], got = wanted, head = wanted, off;
                for (uint64_t k = 0; k < 3; k++) {
                    if (tokens[k] == (int)t) wanted = (double)at(name, k, D, i);
                    got += (double)a[t * 3 + k] * (double)b[i * 3 + k];
                    head += (double)head_b[t * 3 + k] * (double)head_a[k * D + i];
                }
                off = (got - wanted) * (got - wanted) + (head - wanted) * (head - wanted);
                worst = off > worst ? off : worst;
            }
        CHECK_NEAR(worst, 0, 1e-12);
        CHECK_NEAR(scale_of(&g, "token_embd.weight"), 1, 0);
        CHECK_NEAR(scale_of(&g, "output.weight"), 1, 0);
        free(w), free(a), free(b), free(head_a), free(head_b);
        ft__gguf_close(&g);
    }
    write_folder("\"trainable_token_indices\": {\"embed_tokens\": [7, 300, 2]}");
    if (open_on(&g, base)) ft__gguf_close(&g);
    write_folder("\"trainable_token_indices\": [7, 300]");
    check_refused(base, FT_ERR_MISMATCH, "trainable_tokens_delta");
    write_folder("\"trainable_token_indices\": [7, 300, 7]");
    check_refused(base, FT_ERR_MISMATCH, "different tokens");
    write_folder("\"trainable_token_indices\": [7, 300, 100000]");
    check_refused(base, FT_ERR_MISMATCH, "found 100000");
    write_folder("\"r\": 4");
    check_refused(base, FT_ERR_FORMAT, "no trainable_token_indices");
    ft_model_free(base);
}

TEST(peft, whole_tensors_replace) {
    ft_model *base = arch_base("gemma2");
    ft__gguf g;
    new_folder();
    add("model.norm.weight", 0, D);
    add("model.layers.3.post_attention_layernorm.weight", 0, D);
    add("model.layers.3.pre_feedforward_layernorm.weight", 0, D);
    write_folder("\"modules_to_save\": [\"norm\"]");
    if (open_on(&g, base)) {
        float *norm = floats_of(&g, "output_norm.weight", D, 1, 1);
        float *post = floats_of(&g, "blk.3.post_attention_norm.weight", D, 1, 1);
        float *ffn = floats_of(&g, "blk.3.ffn_norm.weight", D, 1, 1);
        for (uint64_t i = 0; norm && post && ffn && i < D; i++) { /* Gemma's files hold 1 more */
            CHECK_NEAR(norm[i], at("model.norm.weight", 0, 1, i) + 1, 0);
            CHECK_NEAR(post[i], at("model.layers.3.post_attention_layernorm.weight", 0, 1, i) + 1, 0);
            CHECK_NEAR(ffn[i], at("model.layers.3.pre_feedforward_layernorm.weight", 0, 1, i) + 1, 0);
        }
        free(norm), free(post), free(ffn);
        ft__gguf_close(&g);
    }
    write_folder("\"modules_to_save\": [\"layers.3.post_attention_layernorm\"]");
    check_refused(base, FT_ERR_FORMAT, "does not explain this tensor");
    ft_model_free(base);

    tiny_model options;
    memset(&options, 0, sizeof options);
    options.attn_bias = true;
    tiny_write_model(test_path("peft-base.gguf"), &options);
    base = load(test_path("peft-base.gguf"));
    new_folder();
    add_pair(0, "self_attn.q_proj", D, D, 4);
    add_pair(1, "self_attn.q_proj", D, D, 4);
    add("model.layers.0.self_attn.q_proj.base_layer.bias", 0, D);
    add("model.layers.1.self_attn.k_proj.weight", KV, D);
    write_folder("\"target_modules\": [\"q_proj\"], \"bias\": \"lora_only\", \"modules_to_save\": [\"layers.1.self_attn.k_proj\"]");
    if (open_on(&g, base)) {
        check_same(&g, "blk.0.attn_q.bias", "model.layers.0.self_attn.q_proj.base_layer.bias", 0, D, HEAD);
        check_same(&g, "blk.1.attn_k.weight", "model.layers.1.self_attn.k_proj.weight", KV, D, HEAD);
        ft__gguf_close(&g);
    }
    write_folder("\"target_modules\": [\"q_proj\"], \"modules_to_save\": [\"layers.1.self_attn.k_proj\"]");
    check_refused(base, FT_ERR_FORMAT, "q_proj.base_layer.bias: adapter_config.json does not explain");
    add("model.layers.1.self_attn.v_proj.bias", 0, KV);
    write_folder("\"target_modules\": [\"q_proj\"], \"bias\": \"lora_only\", \"modules_to_save\": [\"layers.1.self_attn.k_proj\"]");
    check_refused(base, FT_ERR_FORMAT, "v_proj.bias");
    write_folder("\"target_modules\": [\"q_proj\"], \"bias\": \"all\", \"modules_to_save\": [\"layers.1.self_attn.k_proj\"]");
    if (open_on(&g, base)) ft__gguf_close(&g);
    ft_model_free(base);
}

/* What was trained and got lost would leave the base's in its place. */
TEST(peft, what_is_saved_has_to_be_there) {
    ft_model *base = tiny_base(false, 0);
    new_folder();
    add_pair(0, "self_attn.q_proj", D, D, 4);
    add_pair(1, "self_attn.q_proj", D, D, 4);
    write_folder("\"target_modules\": [\"q_proj\"], \"modules_to_save\": [\"lm_head\"]");
    check_refused(base, FT_ERR_FORMAT, "lm_head");
    write_folder("\"target_modules\": [\"q_proj\", \"embed_tokens\"]");
    check_refused(base, FT_ERR_FORMAT, "embed_tokens");
    write_folder("\"target_modules\": [\"q_proj\"], \"modules_to_save\": [\"v_proj\"]");
    check_refused(base, FT_ERR_FORMAT, "v_proj.weight: the tensor is missing");
    write_folder("\"target_modules\": [\"q_proj\"], \"trainable_token_indices\": [1, 2]");
    check_refused(base, FT_ERR_FORMAT, "trainable_token_indices");
    ft_model_free(base);
}

/* ---- experts */

static void expert_name(char out[200], int layer, const char *block, int e, const char *map, const char *part) {
    snprintf(out, 200, "model.layers.%d.%s.experts.%d.%s.%s", layer, block, e, map, part);
}

TEST(peft, experts_are_joined) {
    ft_model *base = tiny_base(false, 4);
    char name[200];
    ft__gguf g;
    new_folder();
    for (int e = 0; e < 4; e++) {
        if (e == 2) continue;
        expert_name(name, 0, "block_sparse_moe", e, "w2", "lora_A.weight");
        add(name, 4, FF);
        expert_name(name, 0, "block_sparse_moe", e, "w2", "lora_B.weight");
        add(name, D, 4);
    }
    write_folder("\"target_modules\": [\"w2\"], \"exclude_modules\": \".*experts\\\\.2\\\\.w2\"");
    if (open_on(&g, base)) {
        CHECK_INT(g.n_tensors, 2);
        float *a = floats_of(&g, "blk.0.ffn_down_exps.weight.lora_a", FF, 4, 4);
        float *b = floats_of(&g, "blk.0.ffn_down_exps.weight.lora_b", 4, D, 4);
        int wrong = 0;
        for (uint64_t e = 0; a && b && e < 4; e++)
            for (uint64_t i = 0; i < 4 * FF; i++) {
                expert_name(name, 0, "block_sparse_moe", (int)e, "w2", "lora_A.weight");
                wrong += a[e * 4 * FF + i] != (e == 2 ? 0 : at(name, 0, 1, i));
                expert_name(name, 0, "block_sparse_moe", (int)e, "w2", "lora_B.weight");
                if (i < 4 * D) wrong += b[e * 4 * D + i] != (e == 2 ? 0 : at(name, 0, 1, i));
            }
        CHECK_INT(wrong, 0);
        free(a);
        free(b);
        ft__gguf_close(&g);
    }
    write_folder("\"target_modules\": [\"w2\"]");
    check_refused(base, FT_ERR_FORMAT, "experts.2.w2.lora_A.weight: the tensor is missing");
    write_folder("\"target_modules\": [\"w2\"], \"exclude_modules\": [\"experts.2.w2\"],"
                 "\"alpha_pattern\": {\"3.w2\": 1}");
    check_refused(base, FT_ERR_UNSUPPORTED, "different ranks or alphas");
    ft_model_free(base);
}

/* delta of one expert's map at (out, in), from the pair in g */
static double delta_at(const float *a, const float *b, uint64_t n_in, uint64_t n_out, uint64_t e, uint64_t out,
                       uint64_t in) {
    double sum = 0;
    for (uint64_t k = 0; k < 4; k++)
        sum += (double)a[(e * 4 + k) * n_in + in] * (double)b[(e * n_out + out) * 4 + k];
    return sum;
}

/* PEFT's own formula, "o r e, e r i -> e i o": of the parameter at (e, i, o). */
static double parameter_at(const char *module, uint64_t n, uint64_t n_i, uint64_t e, uint64_t i, uint64_t o) {
    char a[200], b[200];
    double sum = 0;
    snprintf(a, sizeof a, "%s.lora_A.weight", module);
    snprintf(b, sizeof b, "%s.lora_B.weight", module);
    for (uint64_t k = 0; k < 4; k++)
        sum += (double)at(a, e * 4 + k, n_i, i) * (double)at(b, o, 4 * n, k * n + e);
    return sum;
}

static void check_parameters(ft_model *base, bool turned, bool by_turns) {
    const ft__gguf_tensor *w = base ? ft__gguf_find(&base->file, "blk.1.ffn_down_exps.weight") : NULL;
    static const char inner[] = "model.layers.1.mlp.experts.base_layer", outer[] = "model.layers.1.mlp.experts";
    char name[200];
    ft__gguf g;
    if (!CHECK(w != NULL)) return;
    const uint64_t f = w->ne[0], n = w->ne[2], i_up = turned ? 2 * f : D, i_down = turned ? D : f;
    new_folder();
    for (int down = 0; down < 2; down++) {
        snprintf(name, sizeof name, "%s.lora_A.weight", down ? outer : inner);
        add(name, 4 * n, down ? i_down : i_up);
        snprintf(name, sizeof name, "%s.lora_B.weight", down ? outer : inner);
        add(name, down ? D + f - i_down : D + 2 * f - i_up, 4 * n);
    }
    write_folder("\"target_parameters\": [\"1.mlp.experts.gate_up_proj\", \"1.mlp.experts.down_proj\"],"
                 "\"rank_pattern\": {\"nothing\": 3}");
    if (open_on(&g, base)) {
        static const char *const maps[3] = {"gate", "up", "down"};
        double worst = 0;
        CHECK_INT(g.n_tensors, 6);
        for (int m = 0; m < 3; m++) {
            const uint64_t n_in = m == 2 ? f : D, n_out = m == 2 ? D : f;
            snprintf(name, sizeof name, "blk.1.ffn_%s_exps.weight.lora_a", maps[m]);
            float *a = floats_of(&g, name, n_in, 4, n);
            snprintf(name, sizeof name, "blk.1.ffn_%s_exps.weight.lora_b", maps[m]);
            float *b = floats_of(&g, name, 4, n_out, n);
            for (uint64_t e = 0; a && b && e < n; e++)
                for (uint64_t out = 0; out < n_out; out++)
                    for (uint64_t in = 0; in < n_in; in += 7) {
                        uint64_t o = m == 2 ? out : by_turns ? 2 * out + (m == 1) : out + (m == 1 ? f : 0);
                        double wanted = parameter_at(m == 2 ? outer : inner, n, m == 2 ? i_down : i_up, e,
                                                     turned ? o : in, turned ? in : o);
                        double off = delta_at(a, b, n_in, n_out, e, out, in) - wanted;
                        worst = off * off > worst ? off * off : worst;
                    }
            free(a);
            free(b);
        }
        CHECK_NEAR(worst, 0, 1e-20);
        ft__gguf_close(&g);
    }
    write_folder("\"target_parameters\": [\"1.mlp.experts.gate_up_proj\"]");
    check_refused(base, FT_ERR_FORMAT, "does not name it in target_parameters");
    write_folder("\"target_parameters\": [\"mlp.experts.gate_up_proj\", \"experts.down_proj\"], \"r\": 8");
    check_refused(base, FT_ERR_FORMAT, "has rank 4, adapter_config.json says 8");
    write_folder("\"target_parameters\": [\"mlp.experts.gate_up_proj\", \"experts.down_proj\"], \"use_dora\": true");
    check_refused(base, FT_ERR_UNSUPPORTED, "use_dora: of experts");
    folder.n = 2;
    write_folder("\"target_parameters\": [\"1.mlp.experts.gate_up_proj\", \"1.mlp.experts.down_proj\"]");
    check_refused(base, FT_ERR_FORMAT, "layers.1.mlp.experts.lora_A.weight: the tensor is missing");
    ft_model_free(base);
}

TEST(peft, parameters_of_experts_are_cut) {
    check_parameters(tiny_base(false, 4), false, false);
    check_parameters(tiny_base(false, 4), true, false);
    check_parameters(arch_base("gpt-oss"), false, true);
    /* as many inputs as outputs */
    ft_model *base = arch_base("qwen3moe");
    const ft__gguf_tensor *w = base ? ft__gguf_find(&base->file, "blk.1.ffn_down_exps.weight") : NULL;
    if (CHECK(w && w->ne[0] == D)) {
        new_folder();
        add("model.layers.1.mlp.experts.lora_A.weight", 4 * w->ne[2], D);
        add("model.layers.1.mlp.experts.lora_B.weight", D, 4 * w->ne[2]);
        write_folder("\"target_parameters\": [\"down_proj\"]");
        check_refused(base, FT_ERR_UNSUPPORTED, "does not tell which are which");
    }
    ft_model_free(base);
}

/* ---- other names */

TEST(peft, finds_the_places_of_each_architecture) {
    static const struct {
        const char *arch, *module, *weight;
    } cases[] = {
        {"phi3", "model.layers.1.mlp.gate_up_proj", "blk.1.ffn_up.weight"},
        {"qwen2", "model.layers.1.self_attn.q_proj", "blk.1.attn_q.weight"},
        {"gemma3", "model.language_model.layers.2.mlp.down_proj", "blk.2.ffn_down.weight"},
        {"gemma3", "language_model.model.layers.2.mlp.down_proj", "blk.2.ffn_down.weight"},
        {"olmo2", "layers.2.self_attn.o_proj", "blk.2.attn_output.weight"},
        {"glm4moe", "model.layers.2.self_attn.v_proj", "blk.2.attn_v.weight"},
        {"glm4moe", "model.layers.2.mlp.shared_experts.up_proj", "blk.2.ffn_up_shexp.weight"},
        {"lfm2", "model.layers.1.self_attn.out_proj", "blk.1.attn_output.weight"},
        {"lfm2", "model.layers.1.feed_forward.w3", "blk.1.ffn_up.weight"},
        {"llama4", "language_model.model.layers.0.feed_forward.down_proj", "blk.0.ffn_down.weight"},
        {"deepseek2", "model.layers.1.self_attn.kv_a_proj_with_mqa", "blk.1.attn_kv_a_mqa.weight"},
    };
    char name[200], config[300];
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        ft_model *base = arch_base(cases[i].arch);
        const ft__gguf_tensor *w = base ? ft__gguf_find(&base->file, cases[i].weight) : NULL;
        ft__gguf g;
        if (!w) test_note("%s has no %s", cases[i].arch, cases[i].weight);
        if (CHECK(w != NULL)) {
            new_folder();
            snprintf(name, sizeof name, "%s.lora_A.weight", cases[i].module);
            add(name, 4, w->ne[0]);
            snprintf(name, sizeof name, "%s.lora_B.weight", cases[i].module);
            add(name, w->ne[1], 4);
            snprintf(config, sizeof config, "\"target_modules\": [\"%s\"]", cases[i].module);
            write_folder(config);
            if (open_on(&g, base)) {
                char b[200];
                snprintf(b, sizeof b, "%s.lora_b", cases[i].weight);
                CHECK_INT(g.n_tensors, 2);
                snprintf(name, sizeof name, "%s.lora_B.weight", cases[i].module);
                check_same(&g, b, name, w->ne[1], 4, 0);
                ft__gguf_close(&g);
            }
        }
        ft_model_free(base);
    }
}

TEST(peft, rows_of_fused_matrices_stay) {
    if (!test_shared("logits/phi3.gguf")) SKIP("no ../shared");
    ft_model *base = load(test_shared("logits/phi3.gguf"));
    const ft__gguf_tensor *w = base ? ft__gguf_find(&base->file, "blk.0.attn_qkv.weight") : NULL;
    ft__gguf g;
    if (CHECK(w != NULL)) {
        new_folder();
        add_pair(0, "self_attn.qkv_proj", w->ne[0], w->ne[1], 4);
        write_folder("\"target_modules\": [\"qkv_proj\"], \"layers_to_transform\": [0]");
        if (open_on(&g, base)) {
            check_same(&g, "blk.0.attn_qkv.weight.lora_b", "model.layers.0.self_attn.qkv_proj.lora_B.weight",
                       w->ne[1], 4, 0);
            ft__gguf_close(&g);
        }
    }
    ft_model_free(base);
}

/* Phi's matrices of the common names are two; a list that names more touches those two. */
TEST(peft, names_that_fit_no_module_are_idle) {
    ft_model *base = arch_base("phi3");
    ft__gguf g;
    new_folder();
    for (int i = 0; i < base->info.n_layers; i++) {
        const ft__gguf_tensor *w = ft__gguf_find(&base->file, "blk.0.ffn_down.weight");
        add_pair(i, "mlp.down_proj", w->ne[0], w->ne[1], 4);
        w = ft__gguf_find(&base->file, "blk.0.attn_output.weight");
        add_pair(i, "self_attn.o_proj", w->ne[0], w->ne[1], 4);
    }
    write_folder("\"target_modules\": [\"q_proj\", \"k_proj\", \"v_proj\", \"o_proj\", \"gate_proj\", \"up_proj\","
                 "\"down_proj\"]");
    if (open_on(&g, base)) ft__gguf_close(&g);
    ft_model_free(base);
}

/* ---- which modules are meant */

TEST(peft, targets_are_matched_as_peft_does) {
    static const struct {
        const char *config;
        bool fits; /* both layers' v_proj of the file */
    } cases[] = {
        {"\"target_modules\": [\"v_proj\"]", true},
        {"\"target_modules\": [\"self_attn.v_proj\"]", true},
        {"\"target_modules\": [\"_proj\"]", false},
        {"\"target_modules\": \"v_proj\"", false},
        {"\"target_modules\": \".*v_proj\"", true},
        {"\"target_modules\": \"(?:.*?(?:self_attn|mlp).*?v_proj)|"
         "(?:\\\\bmodel\\\\.layers\\\\.[\\\\d]{1,}\\\\.x)\"", true},
        {"\"target_modules\": \"^model(?=\\\\.).*v_proj$\"", true}, /* look-around: taken as it comes */
        {"\"target_modules\": [\"v_proj\"], \"exclude_modules\": [\"v_proj\"]", false},
        {"\"target_modules\": [\"v_proj\"], \"exclude_modules\": \".*1.*\"", false},
        {"\"target_modules\": [\"v_proj\"], \"exclude_modules\": []", true},
        {"\"target_modules\": [\"v_proj\"], \"layers_to_transform\": [0, 1]", true},
        {"\"target_modules\": [\"v_proj\"], \"layers_to_transform\": [], \"layers_pattern\": \"\"", true},
        {"\"target_modules\": [\"v_proj\"], \"layers_to_transform\": [0, 1], \"layers_pattern\": \"layers\"", true},
        {"\"target_modules\": [\"v_proj\"], \"layers_to_transform\": [0, 1], \"layers_pattern\": [\"h\", \"layers\"]",
         true},
        {"\"target_modules\": [\"v_proj\"], \"layers_to_transform\": [0, 1], \"layers_pattern\": [\"h\"]", false},
        {"\"target_modules\": [\"v_proj\"], \"layers_to_transform\": 0", false},
        {"\"target_modules\": [\"v_proj\"], \"modules_to_save\": [\"self_attn\"]", false},
        {"\"target_modules\": []", false},
        {"\"target_modules\": null, \"target_parameters\": [\"v_proj.weight\"]", true},
    };
    ft_model *base = tiny_base(false, 0);
    ft__gguf g;
    ft_error err;
    new_folder();
    for (int i = 0; i < LAYERS; i++) add_pair(i, "self_attn.v_proj", D, KV, 4);
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        write_folder(cases[i].config);
        ft_status status = ft__peft_open(&g, folder.path, base, &err);
        if ((status == FT_OK) != cases[i].fits) test_note("%s: %s", cases[i].config, status ? err.message : "fits");
        CHECK((status == FT_OK) == cases[i].fits);
        if (status == FT_OK) ft__gguf_close(&g);
        else CHECK_ERROR(status, FT_ERR_FORMAT, err, "v_proj.lora_A.weight: adapter_config.json does not name this");
    }
    folder.n = 2; /* layer 0 alone */
    write_folder("\"target_modules\": [\"v_proj\"], \"layers_to_transform\": 0");
    if (open_on(&g, base)) ft__gguf_close(&g);
    write_folder("\"target_modules\": [\"v_proj\"]");
    check_refused(base, FT_ERR_FORMAT, "model.layers.1.self_attn.v_proj.lora_A.weight: the tensor is missing");
    write_folder("\"target_modules\": \"all-linear\"");
    check_refused(base, FT_ERR_FORMAT, "model.layers.0.self_attn.q_proj.lora_A.weight: the tensor is missing");
    ft_model_free(base);
}

/* ---- errors */

TEST(peft, refuses_what_the_configuration_says) {
    static const struct {
        const char *config;
        ft_status status;
        const char *needle;
    } cases[] = {
        {"\"peft_type\": \"LOHA\"", FT_ERR_UNSUPPORTED, "peft_type: \"LOHA\": this version has LORA and VERA"},
        {"\"peft_type\": null", FT_ERR_FORMAT, "peft_type"},
        {"\"init_lora_weights\": \"pissa_niter_16\"", FT_ERR_UNSUPPORTED, "init_lora_weights: \"pissa_niter_16\""},
        {"\"init_lora_weights\": \"olora\"", FT_ERR_UNSUPPORTED, "path_initial_model_for_weight_conversion"},
        {"\"init_lora_weights\": \"corda\"", FT_ERR_UNSUPPORTED, "corda"},
        {"\"init_lora_weights\": \"loftq\"", FT_ERR_UNSUPPORTED, "loftq"},
        {"\"layer_replication\": [[0, 4], [2, 5]]", FT_ERR_UNSUPPORTED, "layer_replication: [[0,4],[2,5]]"},
        {"\"use_qalora\": true", FT_ERR_UNSUPPORTED, "use_qalora: true"},
        {"\"use_bdlora\": {\"nblocks\": 2}", FT_ERR_UNSUPPORTED, "use_bdlora"},
        {"\"megatron_config\": {\"a\": 1}", FT_ERR_UNSUPPORTED, "megatron_config"},
        {"\"arrow_config\": {\"top_k\": 2}", FT_ERR_UNSUPPORTED, "arrow_config"},
        {"\"alora_invocation_tokens\": [1]", FT_ERR_UNSUPPORTED, "alora_invocation_tokens: [1]"},
        {"\"shiny\": 0.5", FT_ERR_UNSUPPORTED, "shiny: 0.5"},
        {"\"bias\": \"some\"", FT_ERR_UNSUPPORTED, "bias: \"some\""},
        {"\"r\": 0", FT_ERR_FORMAT, "adapter_config.json: r: must be"},
        {"\"r\": 2.5", FT_ERR_FORMAT, "found 2.5"},
        {"\"lora_alpha\": \"8\"", FT_ERR_FORMAT, "lora_alpha"},
        {"\"use_rslora\": 1", FT_ERR_FORMAT, "use_rslora: must be true or false, found 1"},
        {"\"target_modules\": [1]", FT_ERR_FORMAT, "target_modules"},
        {"\"target_modules\": {\"a\": 1}", FT_ERR_FORMAT, "target_modules"},
        {"\"modules_to_save\": \"lm_head\"", FT_ERR_FORMAT, "modules_to_save"},
        {"\"rank_pattern\": [1]", FT_ERR_FORMAT, "rank_pattern"},
        {"\"rank_pattern\": {\"a\": -1}", FT_ERR_FORMAT, "rank_pattern"},
        {"\"alpha_pattern\": {\"a\": null}", FT_ERR_FORMAT, "alpha_pattern"},
        {"\"alpha_pattern\": {\"(?=a)b\": 1}", FT_ERR_UNSUPPORTED, "alpha_pattern: the pattern \"(?=a)b\""},
        {"\"layers_to_transform\": [0.5], " QV, FT_ERR_FORMAT, "layers_to_transform"},
        {"\"layers_to_transform\": [0], \"target_modules\": \"v\"", FT_ERR_FORMAT, "to be a list"},
    };
    ft_model *base = tiny_base(false, 0);
    new_folder();
    add_pair(0, "self_attn.v_proj", D, KV, 4);
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        write_folder(cases[i].config);
        check_refused(base, cases[i].status, cases[i].needle);
    }
    test_write(in_folder("adapter_config.json"), "[1]", 3);
    check_refused(base, FT_ERR_FORMAT, "must hold an object");
    test_write(in_folder("adapter_config.json"), "{", 1);
    check_refused(base, FT_ERR_FORMAT, "adapter_config.json:1");
    unlink(in_folder("adapter_config.json"));
    check_refused(base, FT_ERR_NOT_FOUND, "adapter_config.json");
    ft_model_free(base);
}

#define LAYER_0 "base_model.model.model.layers.0.self_attn."

TEST(peft, refuses_wrong_tensors) {
    static const struct {
        const char *name, *dtype;
        int rows, cols;
        ft_status status;
        const char *needle;
    } cases[] = {
        {LAYER_0 "v_proj.lora_A.weight", "F32", 8, D, FT_ERR_FORMAT,
         "v_proj.lora_A.weight: has rank 8, adapter_config.json says 4"},
        {LAYER_0 "v_proj.lora_A.weight", "F32", 4, D + 1, FT_ERR_MISMATCH, "lora_A"},
        {LAYER_0 "v_proj.lora_A.weight", "F32", 0, 4, FT_ERR_MISMATCH, "lora_A"},
        {LAYER_0 "v_proj.lora_A.weight", "I16", 4, D, FT_ERR_UNSUPPORTED, "dtype I16"},
        {"base_model.model.model.layers.2.self_attn.v_proj.lora_A.weight", "F32", 4, D, FT_ERR_MISMATCH,
         "layers.2.self_attn.v_proj.lora_A.weight: the base has no matrix"},
        {LAYER_0 "x_proj.lora_A.weight", "F32", 4, D, FT_ERR_MISMATCH, "x_proj"},
        {"base_model.model.model.norm.lora_A.weight", "F32", 4, D, FT_ERR_MISMATCH, "norm.lora_A.weight"},
        {"base_model.model.model.embed_tokens.lora_A.weight", "F32", 4, D, FT_ERR_MISMATCH, "embed_tokens"},
        {LAYER_0 "v_proj.lora_C.thing", "F32", 4, D, FT_ERR_UNSUPPORTED, "lora_C"},
        {"model.layers.0.self_attn.v_proj.lora_A.weight", "F32", 4, D, FT_ERR_UNSUPPORTED, "lora_A.weight: the name"},
        {"base_model.model.score.weight", "F32", 2, D, FT_ERR_FORMAT, "score.weight: adapter_config.json does not"},
    };
    ft_model *base = tiny_base(false, 0);
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        new_folder();
        add_raw(cases[i].name, cases[i].dtype, (uint64_t)cases[i].rows, (uint64_t)cases[i].cols);
        if (i < 4) add("model.layers.0.self_attn.v_proj.lora_B.weight", KV, 4);
        write_folder(QV);
        check_refused(base, cases[i].status, cases[i].needle);
    }
    new_folder();
    add("model.layers.0.self_attn.v_proj.lora_B.weight", KV, 4);
    write_folder(QV);
    check_refused(base, FT_ERR_FORMAT, "v_proj.lora_A.weight: the tensor is missing");
    ft_model_free(base);
}

TEST(peft, refuses_two_changes_of_one_tensor) {
    ft_model *base = tiny_base(false, 0);
    const uint64_t n = (uint64_t)tiny_vocab_size();
    new_folder();
    add("model.embed_tokens.token_adapter.trainable_tokens_delta", 1, D);
    add("model.embed_tokens.lora_embedding_A", 4, n);
    add("model.embed_tokens.lora_embedding_B", D, 4);
    write_folder("\"target_modules\": [\"embed_tokens\"], \"trainable_token_indices\": [3]");
    check_refused(base, FT_ERR_FORMAT, "token_embd.weight.lora_a: the tensor appears twice");
    folder.n = 1;
    add("model.embed_tokens.weight", n, D);
    write_folder("\"trainable_token_indices\": [3]");
    check_refused(base, FT_ERR_UNSUPPORTED, "token_embd.weight.lora_a: the file also has");
    new_folder();
    add_pair(0, "self_attn.v_proj", D, KV, 4);
    add("layers.0.self_attn.v_proj.lora_A.weight", 4, D);
    add("layers.0.self_attn.v_proj.lora_B.weight", KV, 4);
    write_folder("\"target_modules\": [\"0.self_attn.v_proj\"]");
    check_refused(base, FT_ERR_FORMAT, "blk.0.attn_v.weight.lora_a: the tensor appears twice");
    new_folder();
    add_pair(0, "self_attn.v_proj", D, KV, 4);
    add("model.layers.0.self_attn.v_proj.lora_magnitude_vector", 0, KV);
    add("model.layers.0.self_attn.v_proj.lora_magnitude_vector.weight", 0, KV);
    write_folder("\"target_modules\": [\"0.self_attn.v_proj\"], \"use_dora\": true");
    check_refused(base, FT_ERR_FORMAT, "another tensor of the file says the same");
    ft_model_free(base);
}

/* Bytes changed at random in both files: an error or an adapter, never a crash. */
TEST(peft, survives_damage) {
    ft_model *base = tiny_base(true, 2);
    uint32_t counter[4] = {0, 0, 0, 0}, key[2] = {1, 2}, random[4];
    int opened = 0;
    size_t n[2];
    new_folder();
    add_pair(0, "self_attn.q_proj", D, D, 4);
    add("model.layers.0.mlp.experts.lora_A.weight", 8, D);
    add("model.layers.0.mlp.experts.lora_B.weight", 2 * FF, 8);
    add("model.embed_tokens.token_adapter.trainable_tokens_delta", 1, D);
    write_folder("\"target_modules\": [\"0.self_attn.q_proj\"], \"alpha_pattern\": {\"q_proj\": 3},"
                 "\"target_parameters\": [\"0.mlp.experts.gate_up_proj\"], \"trainable_token_indices\": [5]");
    static const char *const files[2] = {"adapter_config.json", "adapter_model.safetensors"};
    char *texts[2] = {test_read(in_folder(files[0]), &n[0]), test_read(in_folder(files[1]), &n[1])};
    for (int round = 0; round < 600; round++) {
        const int f = round % 2;
        char *damaged = (char *)malloc(n[f]);
        if (!damaged || !texts[f]) abort();
        memcpy(damaged, texts[f], n[f]);
        for (int k = 0; k <= round % 3; k++) {
            counter[0]++;
            ft__philox(counter, key, random);
            char *byte = damaged + (f ? 8 : 0) + random[0] % (f ? 900 : n[f]); /* of the head */
            *byte = random[1] % 3 == 0 ? (char)('0' + random[2] % 10) : (char)(*byte ^ (1 << random[2] % 7));
        }
        ft_error err;
        ft__gguf g;
        test_write(in_folder(files[f]), damaged, n[f]);
        if (ft__peft_open(&g, folder.path, base, &err) == FT_OK) {
            ft__gguf_close(&g);
            opened++;
        }
        test_write(in_folder(files[f]), texts[f], n[f]);
        free(damaged);
    }
    CHECK(opened > 0 && opened < 300);
    free(texts[0]);
    free(texts[1]);
    ft_model_free(base);
}

TEST(peft, reads_shards_and_names_what_is_missing) {
    static const char index[] =
        "{\"weight_map\": {\"base_model.model.model.layers.0.self_attn.v_proj.lora_A.weight\":"
        "\"adapter_model-1.safetensors\","
        "\"base_model.model.model.layers.0.self_attn.v_proj.lora_B.weight\": \"adapter_model-2.safetensors\"}}";
    ft_model *base = tiny_base(false, 0);
    ft__gguf g;
    new_folder();
    add_pair(0, "self_attn.v_proj", D, KV, 4);
    write_folder("\"target_modules\": [\"layers.0.self_attn.v_proj\"]");
    unlink(in_folder("adapter_model.safetensors"));
    check_refused(base, FT_ERR_NOT_FOUND, "adapter_model.safetensors");
    test_write(in_folder("adapter_model.bin"), "x", 1);
    check_refused(base, FT_ERR_UNSUPPORTED, "adapter_model.bin: pickled");
    test_write(in_folder("adapter_model.safetensors.index.json"), index, strlen(index));
    write_shard("adapter_model-1.safetensors", 0, 1);
    check_refused(base, FT_ERR_NOT_FOUND, "adapter_model-2.safetensors");
    write_shard("adapter_model-2.safetensors", 1, 1);
    if (open_on(&g, base)) {
        check_same(&g, "blk.0.attn_v.weight.lora_b", "model.layers.0.self_attn.v_proj.lora_B.weight", KV, 4, 0);
        ft__gguf_close(&g);
    }
    ft_model_free(base);
}

static void sweep_memory(const char *fields) {
    test_memory memory = {0, 0, 0};
    ft_model *base;
    ft_error err;
    ft__gguf g;
    ft_status status = FT_ERR_MEMORY;
    tiny_model options;
    memset(&options, 0, sizeof options);
    options.tied = true;
    options.n_experts = 2;
    options.n_layers = 1;
    tiny_write_model(test_path("peft-base.gguf"), &options);
    base = load(test_path("peft-base.gguf"));
    base->allocator = test_allocator(&memory);
    write_folder(fields);
    for (long i = 1; i < 2000 && status == FT_ERR_MEMORY; i++) {
        memory.requests = 0;
        memory.fail_at = i;
        status = ft__peft_open(&g, folder.path, base, &err);
        if (status == FT_OK) ft__gguf_close(&g);
        else CHECK_ERROR(status, FT_ERR_MEMORY, err, NULL);
        CHECK_INT(memory.live, 0);
    }
    CHECK_OK(status, err);
    base->allocator = ft__allocator(NULL);
    ft_model_free(base);
}

TEST(peft, fails_cleanly_without_memory) {
    const uint64_t n = (uint64_t)tiny_vocab_size();
    new_folder();
    add_pair(0, "self_attn.q_proj", D, D, 4);
    add("model.layers.0.self_attn.q_proj.lora_magnitude_vector", 0, D);
    add("model.norm.weight", 0, D);
    add("model.embed_tokens.token_adapter.trainable_tokens_delta", 1, D);
    sweep_memory("\"target_modules\": \".*q_proj\", \"use_dora\": true, \"modules_to_save\": [\"model.norm\"],"
                 "\"alpha_pattern\": {\"q_proj\": 3}, \"trainable_token_indices\": [5]");
    new_folder();
    for (int e = 0; e < 2; e++) {
        char name[200];
        expert_name(name, 0, "block_sparse_moe", e, "w1", "lora_A.weight");
        add(name, 4, D);
        expert_name(name, 0, "block_sparse_moe", e, "w1", "lora_B.weight");
        add(name, FF, 4);
    }
    add("model.embed_tokens.lora_embedding_A", 4, n);
    add("model.embed_tokens.lora_embedding_B", D, 4);
    sweep_memory("\"target_modules\": [\"w1\", \"embed_tokens\"]");
    new_folder();
    add("model.layers.0.self_attn.q_proj.vera_lambda_b", 0, D);
    add("model.layers.0.self_attn.q_proj.vera_lambda_d", 0, 4);
    add_raw("base_model.vera_A", "F32", 4, D);
    add_raw("base_model.vera_B", "F32", D, 4);
    sweep_memory("\"peft_type\": \"VERA\", \"target_modules\": [\"q_proj\"]");
    new_folder();
    add("model.layers.0.mlp.experts.lora_A.weight", 8, D);
    add("model.layers.0.mlp.experts.lora_B.weight", 2 * FF, 8);
    sweep_memory("\"target_parameters\": [\"experts.gate_up_proj\"]");
}

/* ---- ../shared: the adapter put into the base's weights, the merged model's logits against float64 */

static void merge_tensor(const ft__gguf *g, const ft__gguf_tensor *w, double alpha, float *values) {
    char name[200];
    const size_t n_in = (size_t)w->ne[0], n_out = (size_t)w->ne[1];
    snprintf(name, sizeof name, "%s.lora_a", w->name);
    const ft__gguf_tensor *t = ft__gguf_find(g, name);
    if (!t) return;
    const size_t rank = (size_t)t->ne[1];
    float *a = floats_of(g, name, n_in, rank, 1);
    snprintf(name, sizeof name, "%s.lora_b", w->name);
    float *b = floats_of(g, name, rank, n_out, 1);
    snprintf(name, sizeof name, "%s.dora_scale", w->name);
    float *size = ft__gguf_find(g, name) ? floats_of(g, name, n_out, 1, 1) : NULL;
    double given = (double)scale_of(g, w->name), factor = given >= 0 ? given : alpha > 0 ? alpha / (double)rank : 1;
    double *row = (double *)calloc(n_in, sizeof *row);
    for (size_t o = 0; a && b && row && o < n_out; o++) {
        double norm = 0;
        for (size_t i = 0; i < n_in; i++) {
            row[i] = (double)values[o * n_in + i];
            for (size_t k = 0; k < rank; k++) row[i] += factor * (double)b[o * rank + k] * (double)a[k * n_in + i];
            norm += row[i] * row[i];
        }
        for (size_t i = 0; i < n_in; i++)
            values[o * n_in + i] = (float)(size ? row[i] * (double)size[o] / ft__sqrt(norm) : row[i]);
    }
    free(a), free(b), free(size), free(row);
}

static bool write_merged(const char *path, const ft_model *base, const ft__gguf *g) {
    const ft__gguf *from = &base->file;
    ft__gguf_writer w;
    ft_error err;
    double alpha = 0;
    ft_status status = ft__gguf_write_begin(&w, path, NULL, &err);
    if (!status) status = ft__gguf_float(g, "adapter.lora.alpha", &alpha, &err);
    for (size_t i = 0; i < from->n_kv; i++) ft__gguf_write_kv(&w, &from->kv[i]);
    for (size_t i = 0; i < from->n_tensors && !status; i++) {
        const ft__gguf_tensor *t = &from->tensors[i];
        status = ft__gguf_write_tensor(&w, t->name, t->n_dims, t->ne, 0, &err);
    }
    for (size_t i = 0; i < from->n_tensors && !status; i++) {
        const ft__gguf_tensor *t = &from->tensors[i];
        float *values = floats_of(from, t->name, t->ne[0], t->ne[1], t->ne[2]);
        merge_tensor(g, t, alpha, values);
        status = ft__gguf_write_data(&w, values, (size_t)(t->ne[0] * t->ne[1] * t->ne[2]) * sizeof *values, &err);
        free(values);
    }
    return CHECK_OK(status, err) && CHECK_OK(ft__gguf_write_end(&w, &err), err);
}

/* The largest distance of a model's logits, under an adapter or none, from a file of them. */
static double distance(const char *model, const char *spec, const ft__json *tokens, const char *reference) {
    ft_error err;
    int32_t ids[64];
    int n = 0, variant = 0, sequence = 0;
    double worst = -1;
    size_t n_bytes = 0;
    ft_session_desc desc = {2, 64, FT_KV_F32, 7, 0, 0, false};
    ft_model *m = load(model);
    ft_session *s = m ? ft_session_create(m, &desc, &err) : NULL;
    for (const ft__json *v = tokens->child; v && n < 64; v = v->next) ids[n++] = (int32_t)v->number;
    char *wanted = test_read(reference, &n_bytes);
    const size_t n_logits = s ? (size_t)n * (size_t)m->info.n_vocab : 0;
    if (CHECK(s && wanted && n_bytes == n_logits * sizeof(float))) {
        float *logits = (float *)calloc(n_logits, sizeof *logits), one;
        if (spec) CHECK_OK(ft_session_load_variant(s, &spec, 1, &variant, &err), err);
        CHECK_OK(ft_session_open(s, variant, &sequence, &err), err);
        ft_feed feed = {sequence, ids, n, NULL, logits};
        CHECK_OK(ft_session_decode(s, &feed, 1, &err), err);
        for (size_t i = 0; i < n_logits; i++) {
            memcpy(&one, wanted + i * sizeof one, sizeof one);
            double off = (double)logits[i] - (double)one;
            if (off < 0) off = -off;
            if (!(off <= worst)) worst = off;
        }
        free(logits);
    }
    free(wanted);
    ft_session_free(s);
    ft_model_free(m);
    return worst < 0 ? 1e9 : worst;
}

TEST(peft, gives_the_reference_logits) {
    static const char *const archs[2] = {"llama", "qwen3"};
    static const char *const cases[][2] = {{"lora", "lora.s1"}, {"rslora", "rslora"}, {"dora", "dora"},
                                           {"vera", "vera"}, {"pattern", "pattern"}};
    if (!test_shared("lora/llama/manifest.json")) SKIP("no ../shared");
    for (int i = 0; i < 2; i++) {
        char path[128], bases[2][512], spec[600];
        ft__arena arena;
        ft__json *json = NULL;
        ft_error err;
        size_t n;
        ft__arena_init(&arena, NULL);
        snprintf(path, sizeof path, "lora/%s/manifest.json", archs[i]);
        char *text = test_read(test_shared(path), &n);
        CHECK_OK(ft__json_parse(text, n, path, 1, &arena, &json, &err), err);
        const ft__json *tokens = ft__json_get(json, "tokens");
        snprintf(path, sizeof path, "logits/%s.gguf", archs[i]);
        snprintf(bases[0], sizeof bases[0], "%s", test_shared(path));
        snprintf(path, sizeof path, "lora/%s/hf", archs[i]);
        snprintf(bases[1], sizeof bases[1], "%s", test_shared(path));
        for (int b = 0; b < 2; b++) {
            ft_model *base = load(bases[b]);
            for (size_t c = 0; base && c < FT__COUNT(cases); c++) {
                ft__gguf g;
                char adapter[512];
                snprintf(path, sizeof path, "lora/%s/%s-peft", archs[i], cases[c][0]);
                snprintf(adapter, sizeof adapter, "%s", test_shared(path));
                snprintf(path, sizeof path, "lora/%s/%s.ref64.f32", archs[i], cases[c][1]);
                if (!CHECK_OK(ft__peft_open(&g, adapter, base, &err), err)) continue;
                if (write_merged(test_path("peft-merged.gguf"), base, &g)) {
                    double off = distance(test_path("peft-merged.gguf"), NULL, tokens, test_shared(path));
                    test_note("%-6s %-5s %-8s max %.1e", archs[i], b ? "hf" : "gguf", cases[c][0], off);
                    CHECK_NEAR(off, 0, 1e-4);
                }
                ft__gguf_close(&g);
                if (c) continue;
                CHECK_NEAR(distance(bases[b], adapter, tokens, test_shared(path)), 0, 1e-4);
                snprintf(spec, sizeof spec, "%s:0.5", adapter);
                snprintf(path, sizeof path, "lora/%s/lora.s0.5.ref64.f32", archs[i]);
                CHECK_NEAR(distance(bases[b], spec, tokens, test_shared(path)), 0, 1e-4);
            }
            ft_model_free(base);
        }
        free(text);
        ft__arena_free(&arena);
    }
}
