/* Every architecture: logits against float64, the same bits however a prompt is cut, and files that say
   something that is not understood. */
#include "test.h"
#include "gguf_edit.h"
#include "tiny.h"
#include "../src/model/model.h"

/* ---- against ../shared */

static ft__json *read_json(const char *path, ft__arena *arena) {
    size_t n;
    ft_error err;
    ft__json *value = NULL;
    char *text = path ? test_read(path, &n) : NULL;
    ft__arena_init(arena, NULL);
    if (CHECK(text != NULL)) CHECK_OK(ft__json_parse(text, n, path, 1, arena, &value, &err), err);
    free(text);
    return value;
}

static int32_t *ints_of(const ft__json *object, const char *key, int *n) {
    const ft__json *array = ft__json_get(object, key);
    *n = array ? (int)array->count : 0;
    int32_t *ints = (int32_t *)malloc((size_t)(*n + 1) * sizeof *ints);
    int i = 0;
    for (const ft__json *v = array ? array->child : NULL; v; v = v->next) ints[i++] = (int32_t)v->number;
    return ints;
}

/* How a sequence is fed; nothing of it may show. */
typedef struct way {
    int threads, max_batch, cut;
    ft_kv_type kv;
} way;

/* Logits of all positions, or of those that `wanted` says; free() them. */
static float *logits_of(const char *path, int n_ctx, const int32_t *tokens, int n, const int32_t *wanted,
                        int n_wanted, const way *w) {
    ft_error err;
    ft_session_desc desc = {w->threads, n_ctx, w->kv, w->max_batch, 0, 0, false};
    ft_model *m = ft_model_load(path, NULL, &err);
    ft_session *s = m ? ft_session_create(m, &desc, &err) : NULL;
    int sequence = 0, out = 0;
    float *logits = NULL;
    if (CHECK_OK(s ? FT_OK : err.code, err)) {
        const size_t V = (size_t)ft_model_get_info(m).n_vocab;
        logits = (float *)calloc((size_t)(wanted ? n_wanted : n) * V, sizeof *logits);
        CHECK_OK(ft_session_open(s, 0, &sequence, &err), err);
        for (int at = 0, piece; at < n; at += piece) {
            piece = n - at < w->cut ? n - at : w->cut;
            if (wanted && out < n_wanted && wanted[out] - at < piece) piece = wanted[out] + 1 - at;
            ft_feed feed = {sequence, tokens + at, piece, NULL, NULL};
            if (!wanted) feed.all_logits = logits + (size_t)at * V;
            else if (out < n_wanted && wanted[out] == at + piece - 1) feed.last_logits = logits + (size_t)out++ * V;
            if (!CHECK_OK(ft_session_decode(s, &feed, 1, &err), err)) break;
        }
    }
    ft_session_free(s);
    ft_model_free(m);
    return logits;
}

static double farthest(const float *a, const float *b, size_t n) {
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        double off = (double)a[i] - (double)b[i], size = off < 0 ? -off : off;
        if (!(size <= most)) most = size; /* a NaN is the largest */
    }
    return most;
}

/* NAME.ref64.f32 with the model that NAME.json names. */
static void compare(const char *name, double tolerance) {
    static const way plain = {2, 16, 1000, FT_KV_F32};
    char path[128];
    ft__arena arena;
    int n, n_wanted;
    snprintf(path, sizeof path, "logits/%s.json", name);
    ft__json *json = read_json(test_shared(path), &arena);
    int32_t *tokens = ints_of(json, "tokens", &n), *wanted = ints_of(json, "positions", &n_wanted);
    const int n_ctx = (int)ft__json_get(json, "n_ctx")->number;
    const size_t n_logits = (size_t)(n_wanted ? n_wanted : n) * (size_t)ft__json_get(json, "n_vocab")->number;
    size_t n_reference, n_engine;
    snprintf(path, sizeof path, "logits/%s.ref64.f32", name);
    char *reference = test_read(test_shared(path), &n_reference);
    snprintf(path, sizeof path, "logits/%s.logits.f32", name);
    char *engine = test_read(test_shared(path), &n_engine);
    snprintf(path, sizeof path, "logits/%s", ft__json_get(json, "model")->text);
    float *logits = logits_of(test_shared(path), n_ctx, tokens, n, n_wanted ? wanted : NULL, n_wanted, &plain);
    if (CHECK(reference && engine && logits && n_reference == 4 * n_logits && n_engine == n_reference)) {
        double ours = farthest((const float *)(const void *)reference, logits, n_logits);
        const float *other = (const float *)(const void *)engine;
        double theirs = farthest((const float *)(const void *)reference, other, n_logits);
        test_note("%-14s %.2e   llama.cpp: %.2e", name, ours, theirs);
        CHECK(ours <= tolerance);
    }
    free(reference);
    free(engine);
    free(logits);
    free(tokens);
    free(wanted);
    ft__arena_free(&arena);
}

TEST(arch, logits_are_near_float64) {
    static const char *const names[] = {"qwen2",  "qwen3",   "qwen3moe", "gemma2",  "gemma3",      "phi3",
                                        "phi3lr", "phi3lr.long", "gptoss", "smollm3", "granite", "mistral3",
                                        "cohere2", "olmo2",  "olmo3",    "glm4moe", "deepseek2", "deepseek2mla",
                                        "deepseek2grp", "gemma4", "gemma4moe", "qwen35", "qwen35moe",
                                        "llama4", "lfm2"};
    if (!test_shared("logits/llama.gguf")) SKIP("no ../shared");
    for (size_t i = 0; i < FT__COUNT(names); i++) compare(names[i], 1e-4);
}

/* Experts in blocks: activations become int8. */
TEST(arch, block_experts_are_near_float64) {
    if (!test_shared("logits/gptossmx.gguf")) SKIP("no ../shared");
    compare("gptossmx", 0.4);
}

#if !defined(__SANITIZE_ADDRESS__)
/* Positions in the second stretch of 8192. */
TEST(arch, long_llama4_is_near_float64) {
    if (!test_shared("logits/llama4.long.json")) SKIP("no ../shared");
    compare("llama4.long", 1e-3);
}
#endif

/* ---- small models of our own */

static char base_path[512]; /* of the test that runs */

static const char *tiny(const char *architecture, uint32_t type) {
    snprintf(base_path, sizeof base_path, "%s", test_path("base.gguf"));
    tiny_write_arch(base_path, architecture, type);
    return base_path;
}

enum { N = 150 };

static const int32_t *some_tokens(void) {
    static int32_t tokens[N];
    uint32_t x = 999;
    for (int i = 0; i < N; i++) {
        x = x * 1664525u + 1013904223u;
        tokens[i] = i ? (int32_t)((x >> 8) % (uint32_t)tiny_vocab_size()) : 1;
    }
    return tokens;
}

/* The same bits by every instruction set's kernels or the reference's, by 1 or 2 threads, whatever the batch
   and the pieces of the prompt. */
static void same_bits(const char *architecture, uint32_t type, ft_kv_type kv) {
    const way reference = {1, 1, 1, kv}, ways[] = {{2, 64, N, kv}, {1, 7, 33, kv}, {2, 16, 5, kv}};
    const size_t n = (size_t)N * (size_t)tiny_vocab_size();
    tiny(architecture, type);
    setenv("FT_ISA", "scalar", 1);
    float *expected = logits_of(base_path, 256, some_tokens(), N, NULL, 0, &reference);
    unsetenv("FT_ISA");
    for (size_t i = 0; i < FT__COUNT(ways) && expected; i++) {
        float *got = logits_of(base_path, 256, some_tokens(), N, NULL, 0, &ways[i]);
        if (!CHECK(got && memcmp(got, expected, n * sizeof *got) == 0)) test_note("%s, way %zu", architecture, i);
        free(got);
    }
    free(expected);
}

TEST(arch, same_bits_in_f32) {
    for (size_t i = 0; ft__arch_at(i); i++) same_bits(ft__arch_at(i)->name, FT__FORMAT_F32, FT_KV_F32);
}

TEST(arch, same_bits_in_q8_0) {
    for (size_t i = 0; ft__arch_at(i); i++) same_bits(ft__arch_at(i)->name, FT__FORMAT_Q8_0, FT_KV_F16);
}

/* Two requests with the same beginning; what of it is computed once does not show. */
static void generate(const char *path, bool no_sharing, float logprobs[8]) {
    ft_error err;
    ft_session_desc desc = {2, 256, FT_KV_F16, 64, 0, 0, no_sharing};
    ft_model *m = ft_model_load(path, NULL, &err);
    ft_session *s = m ? ft_session_create(m, &desc, &err) : NULL;
    ft_request requests[2];
    ft_completion done[2];
    memset(requests, 0, sizeof requests);
    memset(logprobs, 0, 8 * sizeof *logprobs);
    for (int r = 0; r < 2; r++) {
        requests[r].prompt = some_tokens();
        requests[r].n_prompt = 140 + 5 * r;
        requests[r].max_tokens = 4;
        requests[r].want_logprobs = true;
    }
    if (CHECK_OK(s ? FT_OK : err.code, err) &&
        CHECK_OK(ft_session_generate(s, requests, 2, done, NULL, &err), err)) {
        for (int r = 0; r < 2; r++)
            for (int t = 0; t < done[r].n_tokens; t++) logprobs[4 * r + t] = done[r].logprobs[t];
        const ft__arch *arch = ft__arch_find(ft_model_get_info(m).architecture);
        const bool shares = !no_sharing && arch->mixer != FT__MIXER_DELTA;
        CHECK(logprobs[0] < 0);
        CHECK_INT(ft_session_get_stats(s).tokens_shared, shares ? 128 : 0);
        ft_completions_free(s, done, 2);
    }
    ft_session_free(s);
    ft_model_free(m);
}

TEST(arch, shared_prefixes) {
    for (size_t i = 0; ft__arch_at(i); i++) {
        float own[8], shared[8];
        tiny(ft__arch_at(i)->name, FT__FORMAT_F32);
        generate(base_path, true, own);
        generate(base_path, false, shared);
        if (!CHECK(memcmp(own, shared, sizeof own) == 0)) test_note("%s", ft__arch_at(i)->name);
    }
}

/* ---- what can be wrong */

static void load_fails(const char *path, ft_status status, const char *needle) {
    ft_error err = {FT_OK, "", ""};
    ft_model *m = ft_model_load(path, NULL, &err);
    CHECK(m == NULL);
    ft_model_free(m);
    CHECK_ERROR(err.code, status, err, needle);
}

static void edited_fails(edit *e, ft_status status, const char *needle) {
    edit_save(e, test_path("edited.gguf"));
    load_fails(test_path("edited.gguf"), status, needle);
    edit_begin(e, base_path);
}

static void edited_loads(edit *e) {
    ft_error err;
    edit_save(e, test_path("edited.gguf"));
    ft_model *m = ft_model_load(test_path("edited.gguf"), NULL, &err);
    CHECK_OK(m ? FT_OK : err.code, err);
    ft_model_free(m);
    edit_begin(e, base_path);
}

TEST(arch, unknown_ones) {
    static const char *const names[] = {"deepseek", "qwen3next", "gpt_oss", "Llama"};
    edit e;
    char needle[64];
    edit_begin(&e, tiny("llama", FT__FORMAT_F32));
    for (size_t i = 0; i < FT__COUNT(names); i++) {
        edit_text(&e, "general.architecture", names[i]);
        snprintf(needle, sizeof needle, "\"%s\" is not in this version, which has: llama, ", names[i]);
        edited_fails(&e, FT_ERR_UNSUPPORTED, needle);
    }
}

/* A tensor that one architecture needs is a stranger to another. */
TEST(arch, missing_and_foreign_tensors) {
    static const struct { const char *architecture, *missing, *foreign; } cases[] = {
        {"qwen3", "blk.3.attn_k_norm.weight", "blk.0.attn_sinks.weight"},
        {"qwen3moe", "blk.1.ffn_gate_inp.weight", "blk.1.ffn_gate_inp.bias"},
        {"gemma2", "blk.4.post_attention_norm.weight", "blk.0.attn_q_norm.weight"},
        {"gemma3", "blk.0.post_ffw_norm.weight", "blk.0.layer_output_scale.weight"},
        {"phi3", "rope_factors_short.weight", "blk.0.ffn_gate.weight"},
        {"phi3", "rope_factors_long.weight", "rope_freqs.weight"},
        {"gpt-oss", "blk.2.attn_sinks.weight", "blk.2.ffn_norm.weight"},
        {"gpt-oss", "blk.0.ffn_up_exps.bias", "blk.2.exp_probs_b.bias"},
        {"smollm3", "blk.0.ffn_norm.weight", "rope_factors_long.weight"},
        {"granite", "blk.1.attn_norm.weight", "blk.0.ffn_gate_inp.weight"},
        {"cohere2", "blk.1.attn_norm.weight", "blk.1.ffn_norm.weight"},
        {"olmo2", "blk.2.post_ffw_norm.weight", "blk.0.attn_norm.weight"},
        {"olmo2", "blk.2.attn_q_norm.weight", "blk.1.ffn_norm.weight"},
        {"glm4moe", "blk.1.ffn_up_shexp.weight", "blk.0.ffn_gate_inp.weight"},
        {"glm4moe", "blk.2.attn_k_norm.weight", "blk.1.nextn.eh_proj.weight"},
        {"llama4", "blk.1.ffn_gate_exps.weight", "blk.0.ffn_gate_exps.weight"},
        {"deepseek2", "blk.0.attn_q_a_norm.weight", "blk.0.attn_k.weight"},
        {"deepseek2", "blk.4.attn_v_b.weight", "blk.0.attn_q.weight"},
        {"lfm2", "blk.0.shortconv.conv.weight", "blk.0.attn_q.weight"},
        {"lfm2", "token_embd_norm.weight", "output_norm.weight"},
        {"qwen35", "blk.2.ssm_a", "blk.0.attn_q.weight"},
        {"qwen35", "blk.1.attn_k_norm.weight", "blk.1.ssm_norm.weight"},
        {"qwen35moe", "blk.0.ffn_gate_inp_shexp.weight", "blk.0.exp_probs_b.bias"},
        {"gemma4", "per_layer_proj_norm.weight", "blk.3.attn_k.weight"},
        {"gemma4", "blk.0.attn_k.weight", "blk.4.attn_v.weight"},
        {"gemma4", "blk.2.post_ffw_norm_2.weight", "blk.0.ffn_up_exps.weight"},
    };
    char needle[96];
    edit e;
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        edit_begin(&e, tiny(cases[i].architecture, FT__FORMAT_F32));
        edit_drop(&e, cases[i].missing);
        snprintf(needle, sizeof needle, "%s", cases[i].missing);
        edited_fails(&e, FT_ERR_FORMAT, needle);
        edit_tensor(&e, cases[i].foreign, FT__FORMAT_F32, 64, 1, NULL);
        snprintf(needle, sizeof needle, "%s: this architecture has no such tensor", cases[i].foreign);
        edited_fails(&e, FT_ERR_UNSUPPORTED, needle);
    }
}

TEST(arch, wrong_shapes) {
    static const struct { const char *architecture, *name; int ne0, ne1; const char *needle; } cases[] = {
        {"qwen3", "blk.0.attn_q_norm.weight", 128, 1, "found shape [128, 1, 1, 1], expected [32, 1, 1, 1]"},
        {"olmo2", "blk.0.attn_k_norm.weight", 32, 1, "found shape [32, 1, 1, 1], expected [64, 1, 1, 1]"},
        {"phi3", "blk.0.ffn_up.weight", 64, 96, "found shape [64, 96, 1, 1], expected [64, 192, 1, 1]"},
        {"phi3", "rope_factors_long.weight", 16, 1, "expected [12, 1, 1, 1]"},
        {"gpt-oss", "blk.0.attn_sinks.weight", 2, 1, "expected [4, 1, 1, 1]"},
        {"gpt-oss", "blk.0.ffn_down_exps.bias", 64, 1, "expected [64, 6, 1, 1]"},
        {"gpt-oss", "blk.0.ffn_gate_inp.bias", 5, 1, "expected [6, 1, 1, 1]"},
        {"glm4moe", "blk.1.exp_probs_b.bias", 7, 1, "expected [6, 1, 1, 1]"},
        {"glm4moe", "blk.1.ffn_down_shexp.weight", 96, 64, "expected [64, 64, 1, 1]"},
        {"gemma2", "blk.0.post_ffw_norm.weight", 63, 1, "expected [64, 1, 1, 1]"},
        {"deepseek2", "blk.0.attn_kv_b.weight", 32, 7, "expected [32, 224, 1, 1]"},
        {"deepseek2", "blk.0.attn_k_b.weight", 32, 128, "expected [32, 32, 4, 1]"},
        {"lfm2", "blk.0.shortconv.conv.weight", 4, 64, "expected [3, 64, 1, 1]"},
        {"lfm2", "blk.4.attn_k.weight", 64, 32, "expected [64, 16, 1, 1]"},
        {"qwen35", "blk.1.attn_q.weight", 64, 128, "expected [64, 256, 1, 1]"},
        {"qwen35", "blk.0.ssm_conv1d.weight", 4, 64, "expected [4, 128, 1, 1]"},
        {"gemma4", "blk.0.attn_q_norm.weight", 32, 1, "expected [16, 1, 1, 1]"},
        {"gemma4", "per_layer_token_embd.weight", 32, 9, "expected [160, "},
    };
    edit e;
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        edit_begin(&e, tiny(cases[i].architecture, FT__FORMAT_F32));
        edit_tensor(&e, cases[i].name, FT__FORMAT_F32, cases[i].ne0, cases[i].ne1, NULL);
        edited_fails(&e, FT_ERR_FORMAT, cases[i].needle);
    }
}

TEST(arch, missing_keys) {
    static const char *const cases[][2] = {
        {"gemma3", "gemma3.attention.sliding_window"}, {"gpt-oss", "gpt-oss.attention.sliding_window"},
        {"cohere2", "cohere2.attention.sliding_window"}, {"cohere2", "cohere2.logit_scale"},
        {"cohere2", "cohere2.attention.layer_norm_epsilon"}, {"granite", "granite.logit_scale"},
        {"qwen3moe", "qwen3moe.expert_feed_forward_length"}, {"glm4moe", "glm4moe.expert_used_count"},
        {"llama4", "llama4.interleave_moe_layer_step"}, {"qwen2", "qwen2.attention.layer_norm_rms_epsilon"},
        {"deepseek2", "deepseek2.attention.kv_lora_rank"}, {"deepseek2", "deepseek2.attention.value_length_mla"},
        {"lfm2", "lfm2.shortconv.l_cache"}, {"qwen35", "qwen35.ssm.state_size"},
        {"qwen35moe", "qwen35moe.expert_shared_feed_forward_length"}, {"gemma4", "gemma4.attention.key_length_swa"},
        {"gemma4", "gemma4.attention.sliding_window_pattern"},
        {"gemma4", "gemma4.embedding_length_per_layer_input"}};
    edit e;
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        char needle[96];
        edit_begin(&e, tiny(cases[i][0], FT__FORMAT_F32));
        edit_drop(&e, cases[i][1]);
        snprintf(needle, sizeof needle, "%s", cases[i][1]);
        edited_fails(&e, FT_ERR_FORMAT, needle);
    }
}

/* A key that another architecture would follow is an error, unless it says what is so anyway. */
TEST(arch, foreign_keys) {
    static const struct { const char *architecture, *key; float wrong, right; } cases[] = {
        {"llama", "attn_logit_softcapping", 50, 0},   {"qwen3", "final_logit_softcapping", 30, 0},
        {"llama", "logit_scale", 8, 1},               {"gemma2", "residual_scale", 0.5f, 1},
        {"qwen2", "embedding_scale", 12, 1},          {"llama", "attention.scale", 0.3f, 0},
        {"qwen2", "attention.temperature_scale", 0.1f, 0}, {"granite", "expert_count", 8, 0},
        {"llama", "rope.scaling.yarn_beta_fast", 16, 32}, {"gpt-oss", "rope.scaling.yarn_beta_slow", 2, 1},
        {"qwen3moe", "expert_gating_func", 2, 1},     {"qwen3moe", "expert_weights_scale", 2.5f, 1},
        {"qwen3moe", "expert_weights_norm", 0, 1},    {"gpt-oss", "expert_gating_func", 1, 3},
        {"olmo2", "attention.clamp_kqv", 8, 0},       {"qwen3", "leading_dense_block_count", 1, 0},
        {"smollm3", "attention.causal", 0, 1},        {"gemma3", "attn_logit_softcapping", 50, 0},
    };
    char key[96];
    edit e;
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        edit_begin(&e, tiny(cases[i].architecture, FT__FORMAT_F32));
        snprintf(key, sizeof key, "%s.%s", cases[i].architecture, cases[i].key);
        edit_float(&e, key, cases[i].wrong);
        edited_fails(&e, FT_ERR_UNSUPPORTED, key);
        edit_float(&e, key, cases[i].right);
        edited_loads(&e);
        edit_text(&e, key, "yes");
        edited_fails(&e, FT_ERR_UNSUPPORTED, key);
    }
}

TEST(arch, wrong_values) {
    static const struct { const char *architecture, *key; float value; const char *needle; } cases[] = {
        {"granite", "granite.logit_scale", 0, "granite.logit_scale: expected a number from 0 to 1000000"},
        {"granite", "granite.residual_scale", -1, "granite.residual_scale: expected a number"},
        {"gemma2", "gemma2.attn_logit_softcapping", 0, "gemma2.attn_logit_softcapping"},
        {"mistral3", "mistral3.rope.scaling.yarn_beta_fast", 0, "yarn_beta_fast"},
        {"gemma3", "gemma3.rope.freq_base_swa", 0.5f, "gemma3.rope.freq_base_swa"},
        {"glm4moe", "glm4moe.expert_weights_scale", -2, "expert_weights_scale"},
    };
    static const struct { const char *architecture, *key; uint32_t value; const char *needle; } ints[] = {
        {"gemma3", "gemma3.attention.sliding_window", 0, "must be 1 to 1073741824, found 0"},
        {"gemma2", "gemma2.attention.sliding_window_pattern", 0, "must be 1 to 4096, found 0"},
        {"qwen3moe", "qwen3moe.expert_used_count", 7, "must be 1 to 6, found 7"},
        {"qwen3moe", "qwen3moe.expert_count", 1025, "must be 0 to 1024, found 1025"},
        {"qwen3moe", "qwen3moe.expert_count", 0, "blk.0.ffn_gate.weight: the tensor is missing"},
        {"glm4moe", "glm4moe.expert_gating_func", 4, "must be 0 to 3, found 4"},
        {"glm4moe", "glm4moe.expert_group_count", 4, "glm4moe.expert_group_used_count is missing"},
        {"glm4moe", "glm4moe.nextn_predict_layers", 5, "must be 0 to 4, found 5"},
        {"glm4moe", "glm4moe.leading_dense_block_count", 9, "must be 0 to 5, found 9"},
        {"llama4", "llama4.interleave_moe_layer_step", 0, "must be 1 to 5, found 0"},
        {"deepseek2", "deepseek2.attention.key_length", 40,
         "key length 40, value length 32, 1 KV heads: expected 48, 32 and 1"},
        {"deepseek2", "deepseek2.attention.key_length_mla", 16, "1 KV heads of 16 dimensions, of which 16 turn"},
        {"deepseek2", "deepseek2.attention.kv_lora_rank", 0, "must be 1 to 960, found 0"},
        {"lfm2", "lfm2.shortconv.l_cache", 1, "must be 2 to 16, found 1"},
        {"qwen35", "qwen35.ssm.inner_size", 32, "that does not work out"},
        {"qwen35", "qwen35.ssm.state_size", 257, "must be 1 to 256, found 257"},
        {"qwen35", "qwen35.full_attention_interval", 0, "must be 1 to 4096, found 0"},
        {"gemma4", "gemma4.attention.shared_kv_layers", 5, "layer 0 has no keys of its own"},
        {"gemma4", "gemma4.attention.shared_kv_layers", 6, "must be 0 to 5, found 6"},
        {"gemma4", "gemma4.attention.value_length_swa", 32, "key_length_swa 16, value_length_swa 32"},
        {"gemma4", "gemma4.rope.dimension_count_swa", 32, "must be 2 to 16, found 32"},
    };
    edit e;
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        edit_begin(&e, tiny(cases[i].architecture, FT__FORMAT_F32));
        edit_float(&e, cases[i].key, cases[i].value);
        edited_fails(&e, FT_ERR_FORMAT, cases[i].needle);
    }
    for (size_t i = 0; i < FT__COUNT(ints); i++) {
        edit_begin(&e, tiny(ints[i].architecture, FT__FORMAT_F32));
        edit_int(&e, ints[i].key, ints[i].value);
        edited_fails(&e, FT_ERR_FORMAT, ints[i].needle);
    }
    edit_begin(&e, tiny("glm4moe", FT__FORMAT_F32));
    edit_int(&e, "glm4moe.expert_group_count", 4);
    edit_int(&e, "glm4moe.expert_group_used_count", 2);
    edited_fails(&e, FT_ERR_FORMAT, "3 of 6 experts from 2 of 4 groups: that does not work out");
}

/* The base with one key replaced by an array of integers. */
static const char *with_array(const char *key, const int32_t *values, uint64_t n, bool as_text) {
    static const char *const texts[8] = {"1", "1", "1", "1", "1", "1", "1", "1"};
    ft__gguf g;
    ft__gguf_writer w;
    ft_error err;
    CHECK_OK(ft__gguf_open(&g, base_path, NULL, &err), err);
    CHECK_OK(ft__gguf_write_begin(&w, test_path("array.gguf"), NULL, &err), err);
    for (size_t i = 0; i < g.n_kv; i++)
        if (!ft__text_equal(g.kv[i].key.data, g.kv[i].key.len, key, strlen(key))) ft__gguf_write_kv(&w, &g.kv[i]);
    if (as_text) ft__gguf_write_strings(&w, key, texts, n);
    else ft__gguf_write_i32s(&w, key, values, n);
    for (size_t i = 0; i < g.n_tensors; i++)
        CHECK_OK(ft__gguf_write_tensor(&w, g.tensors[i].name, g.tensors[i].n_dims, g.tensors[i].ne,
                                       g.tensors[i].type, &err), err);
    for (size_t i = 0; i < g.n_tensors; i++)
        CHECK_OK(ft__gguf_write_data(&w, g.tensors[i].data, (size_t)g.tensors[i].size, &err), err);
    CHECK_OK(ft__gguf_write_end(&w, &err), err);
    ft__gguf_close(&g);
    return test_path("array.gguf");
}

TEST(arch, arrays_of_values) {
    static const int32_t twos[5] = {2, 2, 2, 2, 2}, mixed[5] = {2, 2, 1, 2, 2}, many[5] = {9, 9, 9, 9, 9};
    static const int32_t alternate[5] = {1, 0, 1, 0, 1};
    static const way plain = {1, 64, N, FT_KV_F32};
    const size_t bytes = (size_t)N * (size_t)tiny_vocab_size() * sizeof(float);
    tiny("gemma2", FT__FORMAT_F32);
    load_fails(with_array("gemma2.attention.head_count_kv", mixed, 5, false), FT_ERR_UNSUPPORTED,
               "gemma2.attention.head_count_kv differs from layer to layer");
    load_fails(with_array("gemma2.attention.head_count_kv", twos, 4, false), FT_ERR_FORMAT,
               "gemma2.attention.head_count_kv: expected 5 integers");
    load_fails(with_array("gemma2.attention.head_count_kv", twos, 5, true), FT_ERR_FORMAT, "expected 5 integers");
    load_fails(with_array("gemma2.attention.head_count_kv", many, 5, false), FT_ERR_FORMAT,
               "must be 1 to 4, found 9");
    load_fails(with_array("gemma2.attention.sliding_window_pattern", alternate, 3, false), FT_ERR_FORMAT,
               "gemma2.attention.sliding_window_pattern: expected 5 integers or flags");
    float *expected = logits_of(base_path, 256, some_tokens(), N, NULL, 0, &plain);
    float *a = logits_of(with_array("gemma2.attention.head_count_kv", twos, 5, false), 256, some_tokens(), N, NULL,
                         0, &plain);
    CHECK(a && expected && memcmp(a, expected, bytes) == 0);
    free(a);
    a = logits_of(with_array("gemma2.attention.sliding_window_pattern", alternate, 5, false), 256, some_tokens(), N,
                  NULL, 0, &plain);
    CHECK(a && expected && memcmp(a, expected, bytes) == 0); /* every other layer, from the first */
    free(a);
    a = logits_of(with_array("gemma2.attention.sliding_window_pattern", twos, 5, false), 256, some_tokens(), N,
                  NULL, 0, &plain);
    CHECK(a && expected && memcmp(a, expected, bytes) != 0);
    free(a);
    free(expected);
}

/* Blocks for predicting further ahead are there and not run. */
TEST(arch, blocks_that_are_not_run) {
    static const way plain = {1, 64, N, FT_KV_F32};
    ft_error err;
    edit e;
    edit_begin(&e, tiny("glm4moe", FT__FORMAT_F32));
    edit_int(&e, "glm4moe.nextn_predict_layers", 1);
    edit_tensor(&e, "blk.4.nextn.eh_proj.weight", FT__FORMAT_F32, 128, 64, NULL);
    edit_save(&e, test_path("nextn.gguf"));
    ft_model *m = ft_model_load(test_path("nextn.gguf"), NULL, &err);
    if (CHECK_OK(m ? FT_OK : err.code, err)) CHECK_INT(ft_model_get_info(m).n_layers, 4);
    ft_model_free(m);
    float *all = logits_of(base_path, 256, some_tokens(), N, NULL, 0, &plain);
    float *less = logits_of(test_path("nextn.gguf"), 256, some_tokens(), N, NULL, 0, &plain);
    CHECK(all && less && memcmp(all, less, (size_t)tiny_vocab_size() * sizeof *all) != 0);
    free(all);
    free(less);
    edit_begin(&e, base_path);
    edit_int(&e, "glm4moe.nextn_predict_layers", 1);
    edit_tensor(&e, "blk.5.nextn.eh_proj.weight", FT__FORMAT_F32, 128, 64, NULL);
    edited_fails(&e, FT_ERR_UNSUPPORTED, "blk.5.nextn.eh_proj.weight: this architecture has no such tensor");
}

/* The long factors of phi3 stand for contexts over the original, whatever the length of the text. */
TEST(arch, long_contexts) {
    static const way plain = {1, 64, N, FT_KV_F32};
    const size_t bytes = 40 * (size_t)tiny_vocab_size() * sizeof(float);
    tiny("phi3", FT__FORMAT_F32);
    float *shorter = logits_of(base_path, 64, some_tokens(), 40, NULL, 0, &plain);
    float *still = logits_of(base_path, 128, some_tokens(), 40, NULL, 0, &plain);
    float *longer = logits_of(base_path, 129, some_tokens(), 40, NULL, 0, &plain);
    CHECK(shorter && still && longer && memcmp(shorter, still, bytes) == 0 && memcmp(shorter, longer, bytes) != 0);
    free(shorter);
    free(still);
    free(longer);
}

/* Bytes of the head changed, of keys and of tensors: an error with a text, or a model that computes or says why
   not. */
TEST(arch, changed_heads) {
    static const char *const names[] = {"gemma4", "deepseek2", "qwen35moe", "lfm2", "gpt-oss", "glm4moe"};
    static const unsigned char masks[4] = {0xFF, 0x01, 0x80, 0x10};
    int loaded = 0, refused = 0;
    for (size_t i = 0; i < FT__COUNT(names); i++) {
        ft__gguf g;
        ft_error err;
        CHECK_OK(ft__gguf_open(&g, tiny(names[i], FT__FORMAT_F32), NULL, &err), err);
        const size_t head = (size_t)g.tensors[0].offset;
        ft__gguf_close(&g);
        size_t n;
        char *bytes = test_read(base_path, &n);
        FILE *file = fopen(base_path, "r+b");
        for (size_t at = 40 + i; file && at < head; at += at < 1400 || at + 4000 > head ? 11 : 997) {
            ft_session_desc desc = {1, 8, FT_KV_F32, 4, 1, 0, false};
            int sequence;
            err.code = FT_OK;
            fseek(file, (long)at, SEEK_SET);
            fputc((unsigned char)bytes[at] ^ masks[at % 4], file);
            fflush(file);
            ft_model *m = ft_model_load(base_path, NULL, &err);
            ft_session *s = m ? ft_session_create(m, &desc, &err) : NULL;
            float *logits = (float *)calloc((size_t)(m ? ft_model_get_info(m).n_vocab : 1), sizeof *logits);
            ft_feed feed = {0, some_tokens(), 5, logits, NULL};
            if (s && ft_session_open(s, 0, &sequence, &err) == FT_OK) ft_session_decode(s, &feed, 1, &err);
            if (m) loaded++;
            else refused += CHECK(err.code != FT_OK && err.message[0]) ? 1 : 0;
            ft_session_free(s);
            ft_model_free(m);
            free(logits);
            fseek(file, (long)at, SEEK_SET);
            fputc(bytes[at], file);
        }
        if (file) fclose(file);
        free(bytes);
    }
    test_note("%d changes still load, %d are refused", loaded, refused);
    CHECK(loaded > 100 && refused > 500);
}

/* Fails the n-th request, for every n. */
TEST(arch, out_of_memory) {
    static const char *const names[] = {"gpt-oss", "glm4moe", "phi3", "olmo2", "cohere2", "deepseek2", "gemma4",
                                        "qwen35moe", "lfm2"};
    for (size_t i = 0; i < FT__COUNT(names); i++) {
        tiny(names[i], FT__FORMAT_Q8_0);
        bool ended = false;
        for (long fail_at = 1; fail_at < 2000 && !ended; fail_at++) {
            test_memory memory = {0, 0, fail_at};
            ft_error err = {FT_OK, "", ""};
            ft_model_desc desc;
            ft_session_desc session = {1, 64, FT_KV_F16, 16, 1, 0, false};
            memset(&desc, 0, sizeof desc);
            desc.allocator = test_allocator(&memory);
            desc.threads = 1;
            ft_model *m = ft_model_load(base_path, &desc, &err);
            ft_session *s = m ? ft_session_create(m, &session, &err) : NULL;
            int sequence;
            ended = s && ft_session_open(s, 0, &sequence, &err) == FT_OK;
            if (!ended && !CHECK_INT(err.code, FT_ERR_MEMORY)) test_note("%s: %s", err.where, err.message);
            ft_session_free(s);
            ft_model_free(m);
            CHECK_INT(memory.live, 0);
        }
        CHECK(ended);
    }
}

/* ---- the router by itself */

static void route(const ft__routing *r, const float *bias, const float *logits, const double *expected) {
    float p[8];
    memcpy(p, logits, (size_t)r->n_experts * sizeof *p);
    ft__moe_route(r, bias, p);
    for (int e = 0; e < r->n_experts; e++)
        if (!CHECK_NEAR((double)p[e], expected[e], 1e-6)) test_note("expert %d", e);
}

TEST(moe, routes) {
    static const float logits[4] = {0, 1.0986123f, 0, 1.0986123f}; /* e^x: 1 3 1 3 */
    static const float odds[4] = {0, 0, 0, 0}, bias[4] = {0, 0.1f, 0.2f, 0}, groups_bias[4] = {0.3f, 0, 0.2f, 0.2f};
    static const double softmax[4] = {0, 3 / 8.0, 0, 3 / 8.0}, normed[4] = {1 / 7.0, 3 / 7.0, 0, 3 / 7.0};
    static const double sigmoid[4] = {0, 0, 2 * 0.5, 0}, chosen[4] = {0.2, 0.6, 0, 0.2};
    static const double low[4] = {0.5, 0.5, 0, 0}, grouped[4] = {0, 0, 0.5, 0.5};
    static const float steep[4] = {0, 1.0986123f, -9, 0};
    ft__routing r = {4, 2, FT__GATING_SOFTMAX, false, 1, 0, 0};
    route(&r, NULL, logits, softmax);
    r.n_used = 3, r.normed = true;
    route(&r, NULL, logits, normed); /* of equals the lower */
    r.gating = FT__GATING_SIGMOID, r.normed = false, r.n_used = 1, r.scale = 2;
    route(&r, bias, odds, sigmoid); /* the bias chooses and does not weigh */
    r.gating = FT__GATING_CHOSEN, r.n_used = 3, r.scale = 1;
    route(&r, NULL, steep, chosen);
    r.gating = FT__GATING_SIGMOID, r.normed = true, r.n_used = 2;
    route(&r, NULL, odds, low);
    r.n_groups = 2, r.n_groups_used = 1; /* 0.3 is the best alone, 0.2 and 0.2 are the better group */
    route(&r, groups_bias, odds, grouped);
}

TEST(moe, numbers_that_are_none) {
    const float nan_bias[4] = {0, 0, ft__float_of(0x7F800000u), 0};
    ft__routing r = {4, 2, FT__GATING_SIGMOID, true, 1, 0, 0};
    float p[4] = {0, 1, 2, 3}, q[4] = {0, ft__float_of(0x7FC00000u), 2, 3};
    ft__moe_route(&r, nan_bias, p);
    ft__moe_route(&r, NULL, q);
    for (int e = 0; e < 4; e++) CHECK(p[e] != p[e] && q[e] != q[e]);
}
