/* Adapters merged into the weights: the merged model is what the running adapter is, for every kind of change; in
   a file and in memory; and nothing half made is left behind. */
#include "test.h"

#include "../src/model/hf.h"
#include "../src/model/model.h"
#include "gguf_edit.h"
#include "tiny.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char merge_base[600], merge_adapter[600], merge_out[600];

static void merge_paths(void) {
    snprintf(merge_base, sizeof merge_base, "%s", test_path("base.gguf"));
    snprintf(merge_adapter, sizeof merge_adapter, "%s", test_path("adapter.gguf"));
    snprintf(merge_out, sizeof merge_out, "%s", test_path("merged.gguf"));
    unlink(merge_out);
}

static bool merge_left(void) {
    char partial[700];
    struct stat st;
    snprintf(partial, sizeof partial, "%s.partial", merge_out);
    return stat(merge_out, &st) == 0 || stat(partial, &st) == 0;
}

/* ---- adapters of any kind */

typedef struct merge_entry {
    const char *tensor; /* of the base, or a bias that it has not */
    const char *parts;  /* of: 'l' LoRA, 'd' DoRA's lengths, 'b' a bias behind B, 'w' another in its place */
} merge_entry;

static float *merge_numbers(size_t n, float size, uint64_t seed) {
    float *x = (float *)malloc(n * sizeof *x);
    for (size_t i = 0; x && i < n; i++) x[i] = size * (float)(2 * ft__random_unit(seed, i, 7, 0) - 1);
    return x;
}

/* Declares (pass 0) or writes (pass 1) one tensor of random numbers about `middle`. */
static void merge_tensor(ft__gguf_writer *w, int pass, const char *base, const char *suffix, uint64_t n0, uint64_t n1,
                         uint64_t n2, float middle, float size) {
    const uint64_t ne[3] = {n0, n1, n2};
    const size_t n = (size_t)(n0 * n1 * n2);
    char name[128];
    ft_error err;
    snprintf(name, sizeof name, "%s%s", base, suffix);
    if (!pass) {
        CHECK_OK(ft__gguf_write_tensor(w, name, n2 > 1 ? 3 : n1 > 1 ? 2 : 1, ne, 0, &err), err);
        return;
    }
    float *x = merge_numbers(n, size, 31 * strlen(name) + (uint64_t)name[4]);
    for (size_t i = 0; i < n; i++) x[i] += middle;
    CHECK_OK(ft__gguf_write_data(w, x, n * sizeof *x, &err), err);
    free(x);
}

static void merge_write(const char *path, const char *base, float size, const merge_entry *entries, size_t n_entries) {
    enum { RANK = 4 };
    ft__gguf g;
    ft__gguf_writer w;
    ft__gguf_str arch = {"", 0};
    char name[64];
    ft_error err;
    ft_allocator a = ft__allocator(NULL);
    CHECK_OK(ft__gguf_open(&g, base, &a, &err), err);
    CHECK_OK(ft__gguf_string(&g, "general.architecture", &arch, &err), err);
    snprintf(name, sizeof name, "%.*s", (int)arch.len, arch.data);
    CHECK_OK(ft__gguf_write_begin(&w, path, &a, &err), err);
    ft__gguf_write_string(&w, "general.type", "adapter");
    ft__gguf_write_string(&w, "adapter.type", "lora");
    ft__gguf_write_string(&w, "general.architecture", name);
    ft__gguf_write_f32(&w, "adapter.lora.alpha", 6);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < n_entries; i++) {
            const char *tensor = entries[i].tensor, *parts = entries[i].parts;
            const bool embedding = strcmp(tensor, "token_embd.weight") == 0, head = strcmp(tensor, "output.weight") == 0;
            const ft__gguf_tensor *t = ft__gguf_find(&g, tensor);
            if (!t && head) t = ft__gguf_find(&g, "token_embd.weight");
            if (!CHECK(t != NULL)) test_note("%s", tensor);
            if (!t) continue;
            const uint64_t n_in = t->ne[0], n_out = t->ne[1], depth = t->ne[2];
            if (strchr(parts, 'l') && embedding) {
                merge_tensor(&w, pass, tensor, ".lora_a", RANK, n_out, 1, 0, size);
                merge_tensor(&w, pass, tensor, ".lora_b", RANK, n_in, 1, 0, 1);
            } else if (strchr(parts, 'l')) {
                merge_tensor(&w, pass, tensor, ".lora_a", n_in, RANK, depth, 0, size);
                merge_tensor(&w, pass, tensor, ".lora_b", RANK, n_out, depth, 0, 1);
            }
            if (strchr(parts, 'd')) merge_tensor(&w, pass, tensor, ".dora_scale", n_out, 1, 1, 1, 0.3f);
            if (strchr(parts, 'b')) merge_tensor(&w, pass, tensor, ".lora_bias", n_out, 1, 1, 0, 0.2f);
            if (strchr(parts, 'w'))
                merge_tensor(&w, pass, tensor, "", n_in, n_out, depth, t->n_dims == 1 ? 1 : 0, 0.2f);
        }
    CHECK_OK(ft__gguf_write_end(&w, &err), err);
    ft__gguf_close(&g);
}

/* ---- logits */

enum { N_TOKENS = 6 };
static const int32_t merge_tokens[N_TOKENS] = {1, 5, 9, 30, 7, 11};

static float *merge_run(const ft_model *m, const ft_adapter_use *uses, int n_uses, size_t *n) {
    ft_error err = {FT_OK, "", ""};
    ft_session_desc desc;
    int variant = 0, sequence = 0;
    memset(&desc, 0, sizeof desc);
    desc.kv = FT_KV_F32;
    ft_session *s = ft_session_create(m, &desc, &err);
    if (!CHECK_OK(s ? FT_OK : err.code, err)) return NULL;
    *n = N_TOKENS * (size_t)ft_model_get_info(m).n_vocab;
    float *logits = (float *)calloc(*n, sizeof *logits);
    CHECK_OK(ft_session_add_variant(s, uses, n_uses, &variant, &err), err);
    CHECK_OK(ft_session_open(s, variant, &sequence, &err), err);
    ft_feed feed = {sequence, merge_tokens, N_TOKENS, NULL, logits};
    CHECK_OK(ft_session_decode(s, &feed, 1, &err), err);
    ft_session_free(s);
    return logits;
}

static float *merge_run_file(const char *path, const char *quantize, const char *adapter, float scale, size_t *n) {
    ft_error err = {FT_OK, "", ""};
    ft_model_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.quantize = quantize;
    ft_model *m = ft_model_load(path, &desc, &err);
    if (!CHECK_OK(m ? FT_OK : err.code, err)) return NULL;
    ft_adapter_use use = {adapter ? ft_adapter_load(m, adapter, &err) : NULL, scale};
    if (adapter) CHECK_OK(use.adapter ? FT_OK : err.code, err);
    float *logits = merge_run(m, &use, adapter ? 1 : 0, n);
    ft_adapter_free((ft_adapter *)(uintptr_t)use.adapter);
    ft_model_free(m);
    return logits;
}

static double merge_off(const float *a, const float *b, size_t n) {
    double most = 0;
    for (size_t i = 0; a && b && i < n; i++) {
        double d = (double)a[i] - (double)b[i];
        if (d < 0) d = -d;
        if (!(d <= most)) most = d;
    }
    return most;
}

static ft_status merge(const char *spec, const char *type, int threads, ft_error *err) {
    ft_convert_desc desc = {{0}, threads, false, NULL, NULL};
    return ft_merge(merge_base, &spec, 1, merge_out, type, &desc, NULL, NULL, err);
}

/* How far the merged file is from the adapter at run time, and (or 0) the adapter from the base. */
static double merge_distance(const char *type, double *moved) {
    size_t n = 0;
    ft_error err;
    if (!CHECK_OK(merge(merge_adapter, type, 2, &err), err)) return 1e9;
    float *run = merge_run_file(merge_base, NULL, merge_adapter, 1, &n);
    float *merged = merge_run_file(merge_out, NULL, NULL, 1, &n);
    float *base = merge_run_file(merge_base, NULL, NULL, 1, &n);
    double off = run && merged ? merge_off(run, merged, n) : 1e9;
    if (moved) *moved = merge_off(run, base, n);
    free(run);
    free(merged);
    free(base);
    return off;
}

/* ---- every kind of change */

/* q, k and v of the first layer as one tensor. */
static void merge_join(void) {
    static const char *const names[] = {"blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight"};
    ft__gguf g;
    ft_error err;
    edit e;
    char joined[64 * 128 * sizeof(float)];
    size_t n = 0;
    ft_allocator a = ft__allocator(NULL);
    edit_begin(&e, test_path("base.gguf"));
    CHECK_OK(ft__gguf_open(&g, merge_base, &a, &err), err);
    for (int i = 0; i < 3; i++) {
        const ft__gguf_tensor *t = ft__gguf_find(&g, names[i]);
        if (n + t->size > sizeof joined) break;
        memcpy(joined + n, t->data, t->size);
        n += t->size;
        edit_drop(&e, names[i]);
    }
    CHECK_INT(n, sizeof joined);
    ft__gguf_close(&g);
    edit_tensor(&e, "blk.0.attn_qkv.weight", 0, 64, 128, joined);
    snprintf(merge_base, sizeof merge_base, "%s", test_path("joined.gguf"));
    edit_save(&e, merge_base);
}

TEST(merge, is_the_adapter_at_run_time) {
    static const struct {
        const char *what, *arch; /* NULL: llama, by the options below */
        int kind;                /* 1 tied, 2 biases, 3 experts, 4 joined */
        merge_entry entries[4];
    } rows[] = {
        {"q, v, down", NULL, 0, {{"blk.0.attn_q.weight", "l"}, {"blk.1.attn_v.weight", "l"}, {"blk.1.ffn_down.weight", "l"}}},
        {"head", NULL, 0, {{"output.weight", "l"}}},
        {"tied head", NULL, 1, {{"output.weight", "l"}}},
        {"embedding", NULL, 0, {{"token_embd.weight", "l"}}},
        {"tied embedding", NULL, 1, {{"token_embd.weight", "l"}, {"blk.0.attn_k.weight", "l"}}},
        {"embedding and tied head", NULL, 1, {{"token_embd.weight", "l"}, {"output.weight", "l"}}},
        {"another embedding", NULL, 1, {{"token_embd.weight", "w"}}},
        {"another matrix", NULL, 0, {{"blk.0.ffn_up.weight", "w"}}},
        {"another head, tied", NULL, 1, {{"output.weight", "w"}}},
        {"norms", NULL, 0, {{"blk.1.attn_norm.weight", "w"}, {"output_norm.weight", "w"}}},
        {"DoRA", NULL, 0, {{"blk.0.attn_q.weight", "ld"}, {"blk.1.ffn_up.weight", "ld"}}},
        {"biases", NULL, 2, {{"blk.0.attn_q.weight", "lb"}, {"blk.0.attn_v.bias", "w"}, {"blk.1.ffn_up.weight", "lb"}}},
        {"new biases", NULL, 0, {{"blk.0.attn_q.weight", "lb"}, {"blk.1.ffn_down.weight", "lb"}}},
        {"experts", NULL, 3, {{"blk.0.ffn_gate_exps.weight", "l"}, {"blk.1.ffn_down_exps.weight", "l"},
                              {"blk.1.ffn_gate_inp.weight", "l"}}},
        {"joined gate and up", "phi3", 0, {{"blk.2.ffn_up.weight", "l"}, {"blk.3.ffn_up.weight", "ld"}}},
        {"joined q, k, v", NULL, 4, {{"blk.0.attn_qkv.weight", "l"}, {"blk.0.ffn_up.weight", "l"}}},
        {"joined q, k, v, DoRA", NULL, 4, {{"blk.0.attn_qkv.weight", "ld"}}},
        {"joined q, k, v, replaced", NULL, 4, {{"blk.0.attn_qkv.weight", "w"}}},
        {"latent attention", "deepseek2", 0, {{"blk.0.attn_kv_a_mqa.weight", "l"}, {"blk.1.attn_output.weight", "ld"}}},
        {"short convolutions", "lfm2", 0, {{"blk.0.shortconv.in_proj.weight", "l"}}},
        {"delta nets", "qwen35", 0, {{"blk.0.attn_qkv.weight", "l"}, {"blk.0.ssm_out.weight", "l"}}},
    };
    double worst = 0;
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        tiny_model options = {.tied = rows[i].kind == 1, .attn_bias = rows[i].kind == 2, .ffn_bias = rows[i].kind == 2,
                              .n_experts = rows[i].kind == 3 ? 4 : 0};
        size_t n = 0;
        double moved = 0;
        merge_paths();
        if (rows[i].arch) tiny_write_arch(merge_base, rows[i].arch, FT__FORMAT_F32);
        else tiny_write_model(merge_base, &options);
        if (rows[i].kind == 4) merge_join();
        while (n < 4 && rows[i].entries[n].tensor) n++;
        merge_write(merge_adapter, merge_base, 0.05f, rows[i].entries, n);
        double off = merge_distance(NULL, &moved);
        if (!CHECK(off < 1e-4) || !CHECK(moved > 0.05))
            test_note("%s: %.6f off, the adapter moves logits by %.3f", rows[i].what, off, moved);
        if (off > worst) worst = off;
    }
    test_note("logits at most %.7f off", worst);
}

static void merge_set(uint32_t type, float size) {
    tiny_model options = {.n_embd = 256, .n_ff = 256, .n_layers = 1, .type = type};
    merge_paths();
    static const merge_entry entries[] = {{"blk.0.attn_q.weight", "l"}, {"blk.0.ffn_down.weight", "l"}};
    tiny_write_model(merge_base, &options);
    merge_write(merge_adapter, merge_base, size, entries, 2);
}

TEST(merge, other_types_lose_what_they_lose) {
    static const struct { const char *type; double most; } rows[] = {
        {"F32", 1e-4}, {"F16", 0.02}, {"BF16", 0.2}, {"Q8_0", 0.5}, {"Q4_K_M", 4}};
    merge_set(FT__FORMAT_F32, 0.02f);
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        double off = merge_distance(rows[i].type, NULL);
        test_note("%-6s logits at most %.5f off", rows[i].type, off);
        CHECK(off < rows[i].most && (i == 0 || off > 0));
    }
    merge_set(FT__FORMAT_F16, 0.02f); /* a base that is not F32 keeps its type */
    CHECK(merge_distance(NULL, NULL) < 0.02);
}

TEST(merge, several_with_scales) {
    static const merge_entry one[] = {{"blk.0.attn_q.weight", "l"}, {"blk.1.ffn_down.weight", "ld"}};
    static const merge_entry two[] = {{"blk.0.attn_q.weight", "ld"}, {"blk.1.attn_output.weight", "lb"}};
    ft_error err = {FT_OK, "", ""};
    size_t n = 0;
    char specs[2][700];
    const char *list[2] = {specs[0], specs[1]};
    merge_paths();
    tiny_write_model(merge_base, NULL);
    merge_write(merge_adapter, merge_base, 0.05f, one, 2);
    merge_write(test_path("two.gguf"), merge_base, 0.03f, two, 2);
    snprintf(specs[0], sizeof specs[0], "%s:0.5", merge_adapter);
    snprintf(specs[1], sizeof specs[1], "%s:-1.25", test_path("two.gguf"));
    CHECK_OK(ft_merge(merge_base, list, 2, merge_out, NULL, NULL, NULL, NULL, &err), err);
    ft_model *m = ft_model_load(merge_base, NULL, &err);
    ft_adapter_use uses[2] = {{ft_adapter_load(m, merge_adapter, &err), 0.5f},
                              {ft_adapter_load(m, test_path("two.gguf"), &err), -1.25f}};
    float *run = merge_run(m, uses, 2, &n), *merged = merge_run_file(merge_out, NULL, NULL, 1, &n);
    CHECK(run && merged && merge_off(run, merged, n) < 1e-4);
    /* in memory: the file's bits */
    ft_model *own = ft_model_merge(m, uses, 2, NULL, &err);
    CHECK_OK(own ? FT_OK : err.code, err);
    float *memory = own ? merge_run(own, NULL, 0, &n) : NULL;
    CHECK(memory && merged && memcmp(memory, merged, n * sizeof *memory) == 0);
    free(run);
    free(merged);
    free(memory);
    ft_model_free(own);
    for (int i = 0; i < 2; i++) ft_adapter_free((ft_adapter *)(uintptr_t)uses[i].adapter);
    ft_model_free(m);
}

static char *merge_data(const char *path, size_t *n) {
    ft__gguf g;
    ft_error err;
    ft_allocator a = ft__allocator(NULL);
    CHECK_OK(ft__gguf_open(&g, path, &a, &err), err);
    char *all = (char *)malloc(g.file.size);
    *n = 0;
    for (size_t i = 0; i < g.n_tensors && all; i++) {
        memcpy(all + *n, g.tensors[i].data, g.tensors[i].size);
        *n += g.tensors[i].size;
    }
    ft__gguf_close(&g);
    return all;
}

TEST(merge, nothing_changed_is_the_base) {
    ft_error err;
    size_t n = 0, m = 0;
    char spec[700];
    merge_set(FT__FORMAT_Q4_0, 0.05f);
    char *base = merge_data(merge_base, &n);
    snprintf(spec, sizeof spec, "%s:0", merge_adapter);
    CHECK_OK(merge(spec, NULL, 1, &err), err);
    char *merged = merge_data(merge_out, &m);
    CHECK(n == m && memcmp(base, merged, n) == 0);
    free(merged);
    merge_set(FT__FORMAT_Q4_0, 0); /* an adapter of zeros: decoded and encoded, and yet the same bytes */
    CHECK_OK(merge(merge_adapter, NULL, 1, &err), err);
    merged = merge_data(merge_out, &m);
    CHECK(n == m && memcmp(base, merged, n) == 0);
    free(merged);
    free(base);
}

TEST(merge, threads_do_not_show) {
    ft_error err;
    size_t n = 0, m = 0;
    static const merge_entry entries[] = {{"blk.0.ffn_up.weight", "ld"}, {"token_embd.weight", "l"}};
    tiny_model options = {.n_layers = 1, .n_embd = 256, .n_ff = 1024, .type = FT__FORMAT_Q8_0};
    merge_paths();
    tiny_write_model(merge_base, &options);
    merge_write(merge_adapter, merge_base, 0.05f, entries, 2);
    CHECK_OK(merge(merge_adapter, NULL, 1, &err), err);
    char *one = test_read(merge_out, &n);
    CHECK_OK(merge(merge_adapter, NULL, 4, &err), err);
    char *four = test_read(merge_out, &m);
    CHECK(one && four && n == m && memcmp(one, four, n) == 0);
    free(one);
    free(four);
}

/* ---- the report */

static int merge_keep(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n);
    return 0;
}

TEST(merge, tells_what_drowns) {
    ft__buf text;
    ft__arena arena;
    ft__json *json;
    ft_error err;
    const char *spec = merge_adapter;
    ft_convert_desc desc = {{0}, 1, false, NULL, NULL};
    ft__buf_init(&text, NULL);
    ft__arena_init(&arena, NULL);
    merge_set(FT__FORMAT_Q4_0, 1e-6f); /* steps of Q4_0 are a thousand times larger */
    CHECK_OK(ft_merge(merge_base, &spec, 1, merge_out, NULL, &desc, merge_keep, &text, &err), err);
    CHECK(strstr(text.data, "blk.0.attn_q.weight   Q4_0 ") && strstr(text.data, "2 of 12 tensors changed; in 2 of them"));
    text.len = 0;
    desc.json = true;
    CHECK_OK(ft_merge(merge_base, &spec, 1, merge_out, NULL, &desc, merge_keep, &text, &err), err);
    CHECK_OK(ft__json_parse(text.data, text.len, "report", 1, &arena, &json, &err), err);
    const ft__json *first = ft__json_get(json, "changed")->child;
    CHECK_INT(ft__json_get(json, "changed")->count, 2);
    CHECK_TEXT(ft__json_get(first, "name")->text, "blk.0.attn_q.weight");
    CHECK(ft__json_get(first, "error_as_large")->type == FT__JSON_TRUE);
    CHECK_NEAR(ft__json_get(first, "kept")->number, 0, 0.5);
    text.len = 0;
    merge_set(FT__FORMAT_F32, 0.05f);
    CHECK_OK(ft_merge(merge_base, &spec, 1, merge_out, "F16", &desc, merge_keep, &text, &err), err);
    CHECK_OK(ft__json_parse(text.data, text.len, "report", 1, &arena, &json, &err), err);
    first = ft__json_get(json, "changed")->child;
    CHECK(ft__json_get(first, "error_as_large")->type == FT__JSON_FALSE);
    CHECK_NEAR(ft__json_get(first, "kept")->number, 1, 1e-3);
    CHECK(ft__json_get(first, "error")->number > 0 && ft__json_get(first, "error")->number < 1e-3);
    CHECK(ft__json_get(first, "change")->number > 0.01);
    ft__arena_free(&arena);
    ft__buf_free(&text);
}

/* ---- in memory */

TEST(merge, quantised_at_load_is_the_quantised_file) {
    static const char *const types[] = {"Q8_0", "Q4_K_M", "F16"};
    static const merge_entry entries[] = {{"blk.0.attn_q.weight", "ld"}, {"token_embd.weight", "l"}};
    ft_error err = {FT_OK, "", ""};
    size_t n = 0;
    for (int tied = 0; tied < 2; tied++) {
        tiny_model options = {.n_embd = 256, .n_ff = 256, .n_layers = 1, .tied = tied == 1};
        merge_paths();
        tiny_write_model(merge_base, &options);
        merge_write(merge_adapter, merge_base, 0.05f, entries, 2);
        for (size_t i = 0; i < FT__COUNT(types); i++) {
            CHECK_OK(ft_quantize(merge_base, merge_out, types[i], NULL, NULL, NULL, &err), err);
            for (int k = 0; k < 2; k++) { /* the adapter reads rows of the base after packing */
                const char *adapter = k ? merge_adapter : NULL;
                float *file = merge_run_file(merge_out, NULL, adapter, 1, &n);
                float *load = merge_run_file(merge_base, types[i], adapter, 1, &n);
                CHECK(file && load && memcmp(file, load, n * sizeof *file) == 0);
                free(file);
                free(load);
            }
        }
    }
    ft_model_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.quantize = "Q9";
    CHECK(!ft_model_load(merge_base, &desc, &err));
    CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, "Q4_K_M");
}

TEST(merge, in_memory_is_the_merged_file) {
    static const char *const types[] = {NULL, "Q8_0"};
    ft_error err = {FT_OK, "", ""};
    size_t n = 0;
    merge_set(FT__FORMAT_Q4_0, 0.05f);
    ft_model *m = ft_model_load(merge_base, NULL, &err);
    ft_adapter_use use = {ft_adapter_load(m, merge_adapter, &err), 1};
    for (size_t i = 0; i < FT__COUNT(types); i++) {
        ft_model_desc desc;
        memset(&desc, 0, sizeof desc);
        desc.quantize = types[i];
        CHECK_OK(merge(merge_adapter, types[i], 1, &err), err);
        ft_model *own = ft_model_merge(m, &use, 1, &desc, &err);
        if (!CHECK_OK(own ? FT_OK : err.code, err)) continue;
        float *file = merge_run_file(merge_out, NULL, NULL, 1, &n), *memory = merge_run(own, NULL, 0, &n);
        CHECK(file && memory && memcmp(file, memory, n * sizeof *file) == 0);
        free(file);
        free(memory);
        ft_model_free(own);
    }
    ft_model *other = ft_model_load(merge_base, NULL, &err);
    CHECK(!ft_model_merge(other, &use, 1, NULL, &err));
    CHECK_ERROR(err.code, FT_ERR_MISMATCH, err, "adapter 0");
    ft_model_free(other);
    for (long at = 1, failed = 1; failed && at < 3000; at++) {
        test_memory memory = {0, 0, at};
        ft_model_desc desc;
        memset(&desc, 0, sizeof desc);
        desc.allocator = test_allocator(&memory);
        desc.threads = 1;
        ft_model *own = ft_model_merge(m, &use, 1, &desc, &err);
        failed = !own;
        if (failed) CHECK_INT(err.code, FT_ERR_MEMORY);
        ft_model_free(own);
        CHECK_INT(memory.live, 0);
    }
    ft_adapter_free((ft_adapter *)(uintptr_t)use.adapter);
    ft_model_free(m);
}

/* ---- faults */

TEST(merge, what_is_refused) {
    static const merge_entry router[] = {{"blk.0.ffn_gate_inp.weight", "lb"}};
    static const merge_entry whole[] = {{"blk.0.ffn_up.weight", "w"}};
    const char *spec = merge_adapter, *two[2] = {merge_adapter, merge_adapter};
    char half[700];
    ft_error err;
    merge_set(FT__FORMAT_F32, 0.05f);
    snprintf(half, sizeof half, "%s:0.5", merge_adapter);
    CHECK_ERROR(ft_merge(merge_base, &spec, 1, merge_base, NULL, NULL, NULL, NULL, &err), FT_ERR_ARGUMENT, err, "input");
    CHECK_ERROR(ft_merge(merge_base, &spec, 1, merge_adapter, NULL, NULL, NULL, NULL, &err), FT_ERR_ARGUMENT, err,
                "replace an adapter");
    CHECK_ERROR(ft_merge(merge_base, &spec, 0, merge_out, NULL, NULL, NULL, NULL, &err), FT_ERR_ARGUMENT, err, "adapter");
    CHECK_ERROR(merge(merge_adapter, "Q7", 1, &err), FT_ERR_ARGUMENT, err, "Q4_K_M");
    CHECK_ERROR(merge(test_path("none.gguf"), NULL, 1, &err), FT_ERR_NOT_FOUND, err, "none.gguf");
    CHECK_ERROR(merge(merge_base, NULL, 1, &err), FT_ERR_FORMAT, err, "general.type");
    CHECK_ERROR(ft_merge(merge_base, &spec, 1, test_path("no/where.gguf"), NULL, NULL, NULL, NULL, &err), FT_ERR_IO, err,
                "no/where.gguf");
    merge_write(merge_adapter, merge_base, 0.05f, whole, 1);
    CHECK_ERROR(merge(half, NULL, 1, &err), FT_ERR_UNSUPPORTED, err, "blk.0.ffn_up.weight");
    CHECK_ERROR(ft_merge(merge_base, two, 2, merge_out, NULL, NULL, NULL, NULL, &err), FT_ERR_MISMATCH, err,
                "blk.0.ffn_up.weight");
    tiny_model experts = {.n_experts = 4};
    tiny_write_model(merge_base, &experts);
    merge_write(merge_adapter, merge_base, 0.05f, router, 1);
    CHECK_ERROR(merge(merge_adapter, NULL, 1, &err), FT_ERR_UNSUPPORTED, err, "blk.0.ffn_gate_inp.bias");
    CHECK(!merge_left());
}

/* A type that can be read and not made: the changed tensor needs another one. */
TEST(merge, types_that_cannot_be_made) {
    static const merge_entry entries[] = {{"blk.0.ffn_up.weight", "l"}};
    ft_error err;
    edit e;
    merge_set(FT__FORMAT_F32, 0.05f);
    char from[700];
    snprintf(from, sizeof from, "%s", merge_base);
    snprintf(merge_base, sizeof merge_base, "%s", test_path("tq2.gguf"));
    edit_begin(&e, from);
    edit_tensor(&e, "blk.0.ffn_up.weight", 35, 256, 256, NULL); /* TQ2_0 */
    edit_save(&e, merge_base);
    merge_write(merge_adapter, merge_base, 0.05f, entries, 1);
    CHECK_ERROR(merge(merge_adapter, NULL, 1, &err), FT_ERR_UNSUPPORTED, err, "ffn_up.weight: type TQ2_0 can be read");
    CHECK(!merge_left());
    CHECK_OK(merge(merge_adapter, "Q8_0", 1, &err), err);
}

TEST(merge, out_of_memory_leaves_nothing) {
    ft_error err;
    ft_status status = FT_ERR_MEMORY;
    const char *spec = merge_adapter;
    static const merge_entry entries[] = {{"blk.0.attn_q.weight", "lb"}, {"output.weight", "l"}};
    tiny_model options = {.n_layers = 1, .tied = true};
    merge_paths();
    tiny_write_model(merge_base, &options);
    merge_write(merge_adapter, merge_base, 0.05f, entries, 2);
    long n = 0;
    for (n = 1; n < 3000 && status; n++) {
        test_memory memory = {0, 0, n};
        ft_convert_desc desc = {test_allocator(&memory), 1, false, NULL, NULL};
        status = ft_merge(merge_base, &spec, 1, merge_out, NULL, &desc, NULL, NULL, &err);
        if (status && !CHECK_INT(status, FT_ERR_MEMORY)) test_note("request %ld: %s: %s", n, err.where, err.message);
        CHECK_INT(memory.live, 0);
        if (status) CHECK(!merge_left());
    }
    CHECK(status == FT_OK && n > 50);
}

TEST(merge, a_full_disk_leaves_nothing) {
    merge_set(FT__FORMAT_F32, 0.05f);
    for (rlim_t most = 0; most < 900000; most += 200000) {
        pid_t child = fork();
        if (child == 0) {
            struct rlimit limit = {most, most};
            ft_error err = {FT_OK, "", ""};
            signal(SIGXFSZ, SIG_IGN);
            if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(2);
            ft_status status = merge(merge_adapter, NULL, 1, &err);
            _exit(status == FT_ERR_IO && strcmp(err.where, merge_out) == 0 && !merge_left() ? 0 : 1);
        }
        int code = -1;
        CHECK(waitpid(child, &code, 0) == child);
        if (WIFEXITED(code) && WEXITSTATUS(code) == 2) SKIP("no limit on the size of files");
        CHECK(WIFEXITED(code) && WEXITSTATUS(code) == 0);
    }
}

/* ---- jobs */

/* Runs the job with some keys set and keeps result.json; NULL if it cannot. */
static ft_result *merge_job(const char *const *sets, int n_sets, ft_job **job, ft_error *err) {
    static const char text[] =
        "{\"name\": \"m\", \"base\": {\"model\": \"base.gguf\"}, \"candidates\": [\n"
        " {\"name\": \"run\", \"adapter\": \"adapter.gguf\"},\n"
        " {\"name\": \"merged\", \"adapter\": \"adapter.gguf\", \"merge\": true}],\n"
        " \"data\": [{\"path\": \"rows.jsonl\"}], \"prompt\": {\"template\": \"none\"},\n"
        " \"generate\": {\"max_tokens\": 5}, \"evaluators\": [{\"use\": \"length\", \"params\": {\"max\": 400}}],\n"
        " \"gate\": {\"rules\": [{\"evaluator\": \"length\", \"max_drop\": 1}]}, \"output\": \"merge-run\"}\n";
    static const char rows[] = "{\"id\": \"a\", \"prompt\": \"Once\"}\n{\"id\": \"b\", \"prompt\": \"the cat\"}\n";
    ft_job_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.sets = sets;
    desc.n_sets = n_sets;
    test_write(test_path("rows.jsonl"), rows, sizeof rows - 1);
    test_write(test_path("job.json"), text, sizeof text - 1);
    *job = ft_job_load(test_path("job.json"), &desc, err);
    return *job ? ft_compare(*job, NULL, err) : NULL;
}

/* The text between the quotes after `key`, which comes after "variants" and the variant's name. */
static void merge_answers(const ft_result *r, const char *variant, char out[80]) {
    char name[64];
    snprintf(name, sizeof name, "\"name\": \"%s\"", variant);
    const char *at = strstr(ft_result_json(r, NULL), "\"variants\"");
    if (at) at = strstr(at, name);
    if (at) at = strstr(at, "\"answers\": \"");
    snprintf(out, 80, "%.64s", at ? at + 12 : "none");
}

TEST(merge, candidates_of_a_job) {
    static const char *const sets[] = {
        "candidates.1.quantize=\"F16\"",
        ("candidates=[{\"name\": \"merged\", \"adapter\": \"adapter.gguf\", \"merge\": true, \"scale\": 0.5},"
         " {\"name\": \"q4\", \"quantize\": \"Q4_K_M\"}]"),
        "base.quantize=\"Q8_0\""};
    ft_error err = {FT_OK, "", ""};
    ft_job *job;
    char run[80], merged[80];
    merge_set(FT__FORMAT_F32, 0.05f);
    ft_result *r = merge_job(NULL, 0, &job, &err);
    if (CHECK_OK(r ? FT_OK : err.code, err)) {
        merge_answers(r, "run", run);
        merge_answers(r, "merged", merged);
        CHECK_TEXT(merged, run);
        CHECK(strstr(ft_result_json(r, NULL), "\"merge\": true"));
        CHECK(!strstr(ft_result_json(r, NULL), "\"quantize\""));
    }
    ft_result_free(r);
    ft_job_free(job);
    r = merge_job(sets + 1, 2, &job, &err);
    if (CHECK_OK(r ? FT_OK : err.code, err)) {
        CHECK(strstr(ft_result_json(r, NULL), "\"quantize\": \"Q8_0\"") && strstr(ft_result_json(r, NULL), "\"Q4_K_M\""));
        /* job.json says the same job, but for the digests at its end */
        size_t n;
        char *text = test_read(test_path("merge-run/job.json"), &n), digest[65];
        char *end = text ? strstr(text, "\"inputs\"") : NULL;
        while (end && *end != ',') end--;
        snprintf(digest, sizeof digest, "%s", ft_result_digest(r));
        if (CHECK(end != NULL)) memcpy(end, "}\n", 3), test_write(test_path("again.json"), text, strlen(text));
        free(text);
        ft_job *again = ft_job_load(test_path("again.json"), NULL, &err);
        ft_result *same = again ? ft_compare(again, NULL, &err) : NULL;
        if (CHECK_OK(same ? FT_OK : err.code, err)) CHECK_TEXT(ft_result_digest(same), digest);
        ft_result_free(same);
        ft_job_free(again);
    }
    ft_result_free(r);
    ft_job_free(job);
    r = merge_job(sets, 1, &job, &err); /* merged, then into another type */
    CHECK_OK(r ? FT_OK : err.code, err);
    ft_result_free(r);
    ft_job_free(job);
}

TEST(merge, wrong_candidates) {
    static const char *const sets[][2] = {
        {"candidates.0={\"name\": \"x\", \"model\": \"base.gguf\", \"merge\": true}", "\"merge\" needs an \"adapter\""},
        {"candidates.0.quantize=\"Q4_K\"", "\"quantize\": found \"Q4_K\", expected one of F32"},
        {"base.quantize=\"\"", "quantize"},
        {"candidates.0.merge=1", "merge"}};
    ft_error err = {FT_OK, "", ""};
    ft_job *job;
    for (size_t i = 0; i < FT__COUNT(sets); i++) {
        CHECK(!merge_job(&sets[i][0], 1, &job, &err));
        CHECK_ERROR(err.code, FT_ERR_JOB, err, sets[i][1]);
        ft_job_free(job);
    }
}

/* Beside other types of weights no logit would tell that an adapter of zeros does nothing. */
TEST(merge, an_adapter_that_changes_nothing_is_an_error) {
    static const merge_entry entries[] = {{"blk.0.attn_q.weight", "l"}, {"blk.0.ffn_up.weight", "l"}};
    static const char *const sets[][2] = {
        {"candidates.1.quantize=\"Q8_0\"", "candidates.0={\"name\": \"other\", \"quantize\": \"F16\"}"},
        {"candidates.1.scale=0", "candidates.0={\"name\": \"other\", \"quantize\": \"F16\"}"}};
    ft_error err = {FT_OK, "", ""};
    ft_job *job;
    merge_set(FT__FORMAT_F32, 0.05f);
    for (size_t i = 0; i < FT__COUNT(sets); i++) {
        merge_write(merge_adapter, merge_base, i ? 0.05f : 0, entries, 2);
        CHECK(!merge_job(sets[i], 2, &job, &err));
        CHECK_ERROR(err.code, FT_ERR_MISMATCH, err, "\"merged\": the adapter changes nothing");
        ft_job_free(job);
    }
}

/* The published reference: an adapter of llama.cpp's format, and a folder as the base. */
TEST(merge, reference_adapters) {
    const char *base = test_shared("logits/llama.gguf"), *adapter = test_shared("lora/llama/lora.gguf");
    const char *folder = test_shared("lora/llama/hf");
    ft_error err;
    size_t n = 0;
    if (!base || !adapter || !folder) SKIP("no ../shared");
    merge_paths();
    const char *from[2] = {base, folder};
    for (int i = 0; i < 2; i++) {
        CHECK_OK(ft_merge(from[i], &adapter, 1, merge_out, NULL, NULL, NULL, NULL, &err), err);
        float *run = merge_run_file(from[i], NULL, adapter, 1, &n), *merged = merge_run_file(merge_out, NULL, NULL, 1, &n);
        double off = merge_off(run, merged, n);
        CHECK(run && merged && off < 1e-4);
        test_note("%s: logits at most %.7f off", i ? "folder" : "file", off);
        free(run);
        free(merged);
    }
}
