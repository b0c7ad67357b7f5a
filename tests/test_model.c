/* Loading models and adapters: numbers against independent references, and everything that can be wrong
   with a file. */
#include "test.h"
#include "gguf_edit.h"
#include "tiny.h"
#include "../src/model/model.h"

#include <unistd.h>

/* ---- against ../shared: logits of two other programs */

static float *read_floats(const char *path, size_t n) {
    size_t bytes;
    char *data = path ? test_read(path, &bytes) : NULL;
    if (data && bytes == n * sizeof(float)) return (float *)(void *)data;
    free(data);
    return NULL;
}

/* An array of integers of a JSON object; free() it. */
static int32_t *read_ints(const ft__json *object, const char *key, int *n) {
    const ft__json *array = ft__json_get(object, key);
    *n = array ? (int)array->count : 0;
    int32_t *ints = (int32_t *)malloc((size_t)(*n + 1) * sizeof *ints);
    int i = 0;
    for (const ft__json *v = array ? array->child : NULL; v; v = v->next) ints[i++] = (int32_t)v->number;
    return ints;
}

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

/* Logits of all tokens under an adapter (or none), F32 cache; free() them. */
static float *logits_of(const char *model, const char *adapter, const int32_t *tokens, int n) {
    ft_error err;
    ft_session_desc desc = {2, n, FT_KV_F32, 7, 0, 0, false};
    ft_model *m = ft_model_load(model, NULL, &err);
    ft_session *s = m ? ft_session_create(m, &desc, &err) : NULL;
    float *logits = NULL;
    int variant = 0, sequence = 0;
    if (!CHECK_OK(s ? FT_OK : err.code, err)) {
        ft_model_free(m);
        return NULL;
    }
    if (adapter) CHECK_OK(ft_session_load_variant(s, &adapter, 1, &variant, &err), err);
    logits = (float *)calloc((size_t)n * (size_t)ft_model_get_info(m).n_vocab, sizeof *logits);
    CHECK_OK(ft_session_open(s, variant, &sequence, &err), err);
    ft_feed feed = {sequence, tokens, n, NULL, logits};
    CHECK_OK(ft_session_decode(s, &feed, 1, &err), err);
    ft_session_free(s);
    ft_model_free(m);
    return logits;
}

typedef struct distance {
    double max, rms, divergence; /* KL(reference || other), mean over positions, in nats */
} distance;

static double log_sum(const float *logits, int n, double *max) {
    double sum = 0;
    *max = (double)logits[0];
    for (int i = 1; i < n; i++) *max = (double)logits[i] > *max ? (double)logits[i] : *max;
    for (int i = 0; i < n; i++) sum += ft__exp((double)logits[i] - *max);
    return *max + ft__log(sum);
}

static distance distance_of(const float *reference, const float *other, int n_rows, int n_vocab) {
    distance d = {0, 0, 0};
    for (int r = 0; r < n_rows; r++, reference += n_vocab, other += n_vocab) {
        double max, sum_r = log_sum(reference, n_vocab, &max), sum_o = log_sum(other, n_vocab, &max);
        for (int i = 0; i < n_vocab; i++) {
            double off = (double)other[i] - (double)reference[i], size = off < 0 ? -off : off;
            double p = (double)reference[i] - sum_r;
            d.divergence += ft__exp(p) * (p - ((double)other[i] - sum_o));
            d.rms += off * off;
            if (!(size <= d.max)) d.max = size; /* a NaN is the largest */
        }
    }
    d.rms = ft__sqrt(d.rms / ((double)n_rows * n_vocab));
    d.divergence /= n_rows;
    return d;
}

/* NAME.gguf against NAME.ref64.f32, and what llama.cpp's NAME.logits.f32 makes of the same file. */
static void compare_files(const char *name, const char *model, const char *adapter, const int32_t *tokens,
                          int n, int n_vocab, double max, double rms) {
    char path[128];
    size_t n_logits = (size_t)n * (size_t)n_vocab;
    snprintf(path, sizeof path, "%s.ref64.f32", name);
    float *reference = read_floats(test_shared(path), n_logits);
    snprintf(path, sizeof path, "%s.logits.f32", name);
    float *engine = read_floats(test_shared(path), n_logits);
    float *logits = logits_of(model, adapter, tokens, n);
    if (CHECK(reference && engine && logits)) {
        distance ours = distance_of(reference, logits, n, n_vocab);
        distance theirs = distance_of(reference, engine, n, n_vocab);
        test_note("%-26s max %.2e rms %.2e KL %8.1e   llama.cpp: max %.2e rms %.2e KL %8.1e", name,
                  ours.max, ours.rms, ours.divergence, theirs.max, theirs.rms, theirs.divergence);
        CHECK(ours.max <= max);
        CHECK(ours.rms <= rms);
    }
    free(reference);
    free(engine);
    free(logits);
}

static void compare(const char *name, double max, double rms) {
    char path[128];
    ft__arena arena;
    int n;
    snprintf(path, sizeof path, "%s.json", name);
    ft__json *json = read_json(test_shared(path), &arena);
    int32_t *tokens = read_ints(json, "tokens", &n);
    const ft__json *n_vocab = ft__json_get(json, "n_vocab");
    snprintf(path, sizeof path, "%s.gguf", name);
    if (CHECK(n > 0 && n_vocab && test_shared(path)))
        compare_files(name, test_shared(path), NULL, tokens, n, (int)n_vocab->number, max, rms);
    free(tokens);
    ft__arena_free(&arena);
}

TEST(model, float_weights_are_near_float64) {
    static const char *const names[] = {
        "logits/llama", "logits/llama-f16", "logits/llama-bf16", "logits/llama3", "logits/llamabias",
        "logits/llamalinear", "logits/llamayarn", "logits/llamamoe", "quants/llamaq", "models/stories260K"};
    if (!test_shared("logits/llama.gguf")) SKIP("no ../shared");
    for (size_t i = 0; i < FT__COUNT(names); i++) compare(names[i], 1e-4, 2e-5);
}

TEST(model, block_formats_are_near_float64) {
    static const char *const names[] = {"quants/llamaq-q8_0", "quants/llamaq-q4_0", "quants/llamaq-q4_k_m",
                                        "quants/llamaq-q6_k", "models/stories260K-q8_0"};
    if (!test_shared("quants/llamaq-q8_0.gguf")) SKIP("no ../shared");
    for (size_t i = 0; i < FT__COUNT(names); i++) compare(names[i], 0.4, 0.07);
}

TEST(model, adapters_are_near_float64) {
    char spec[600];
    ft__arena arena;
    int n;
    if (!test_shared("lora/llama/lora.gguf")) SKIP("no ../shared");
    ft__json *json = read_json(test_shared("lora/llama/manifest.json"), &arena);
    int32_t *tokens = read_ints(json, "tokens", &n);
    int n_vocab = (int)ft__json_get(json, "n_vocab")->number;
    const char *model = test_shared("logits/llama.gguf"), *adapter = test_shared("lora/llama/lora.gguf");
    compare_files("lora/llama/lora.s1", model, adapter, tokens, n, n_vocab, 1e-4, 2e-5);
    snprintf(spec, sizeof spec, "%s:0.5", adapter);
    compare_files("lora/llama/lora.s0.5", model, spec, tokens, n, n_vocab, 1e-4, 2e-5);
    free(tokens);
    ft__arena_free(&arena);
}

/* 200 greedy tokens as llama.cpp and float64 choose them, from the prompt's text. */
static void tell_story(const char *name) {
    char path[64];
    ft__arena arena;
    ft_error err;
    int n;
    snprintf(path, sizeof path, "models/%s.json", name);
    ft__json *json = read_json(test_shared(path), &arena);
    int32_t *tokens = read_ints(json, "greedy_tokens", &n);
    const ft__json *prompt = ft__json_get(json, "prompt"), *text = ft__json_get(json, "greedy_text");
    snprintf(path, sizeof path, "models/%s.gguf", name);
    ft_model *m = ft_model_load(test_shared(path), NULL, &err);
    ft_session *s = m ? ft_session_create(m, NULL, &err) : NULL;
    if (CHECK_OK(s ? FT_OK : err.code, err) && CHECK_INT(n, 200)) {
        ft_request request;
        ft_completion c;
        memset(&request, 0, sizeof request);
        request.text = prompt->text;
        request.text_len = prompt->text_len;
        request.max_tokens = n;
        if (CHECK_OK(ft_session_generate(s, &request, 1, &c, NULL, &err), err)) {
            CHECK_INT(c.n_tokens, n);
            CHECK(memcmp(c.tokens, tokens, sizeof *tokens * 200) == 0);
            CHECK_TEXT(c.text, text->text + prompt->text_len);
            ft_completions_free(s, &c, 1);
        }
    }
    ft_session_free(s);
    ft_model_free(m);
    free(tokens);
    ft__arena_free(&arena);
}

TEST(model, tells_the_same_story) {
    if (!test_shared("models/stories260K.gguf")) SKIP("no ../shared");
    tell_story("stories260K");
}

/* In int8 another rounding may choose differently where two tokens are nearly as good: along the
   reference's own way, its token is ours or nearly so. */
TEST(model, tells_nearly_the_same_story_in_q8_0) {
    ft__arena arena;
    int n_prompt, n, n_vocab = 512, same = 0;
    double widest = 0;
    if (!test_shared("models/stories260K-q8_0.gguf")) SKIP("no ../shared");
    ft__json *json = read_json(test_shared("models/stories260K-q8_0.json"), &arena);
    int32_t *prompt = read_ints(json, "prompt_tokens", &n_prompt), *greedy = read_ints(json, "greedy_tokens", &n);
    int32_t *tokens = (int32_t *)calloc((size_t)(n_prompt + n), sizeof *tokens);
    memcpy(tokens, prompt, (size_t)n_prompt * sizeof *tokens);
    memcpy(tokens + n_prompt, greedy, (size_t)n * sizeof *tokens);
    float *logits = logits_of(test_shared("models/stories260K-q8_0.gguf"), NULL, tokens, n_prompt + n);
    for (int i = 0; i < n && logits; i++) {
        const float *row = logits + (size_t)(n_prompt + i - 1) * (size_t)n_vocab;
        int best = ft_sample(row, n_vocab, NULL, NULL, NULL);
        double gap = (double)row[best] - (double)row[greedy[i]];
        if (best == greedy[i]) same++;
        if (gap > widest) widest = gap;
    }
    test_note("%d of %d tokens are the same, the widest gap is %.3f", same, n, widest);
    CHECK(same >= 195 && widest < 0.3);
    free(logits);
    free(tokens);
    free(prompt);
    free(greedy);
    ft__arena_free(&arena);
}

/* ---- what can be wrong with a model file */

static char base_path[512]; /* a tiny model, written once a test */

static const char *tiny(const tiny_model *options) {
    snprintf(base_path, sizeof base_path, "%s", test_path("base.gguf"));
    tiny_write_model(base_path, options);
    return base_path;
}

static void load_fails(const char *path, ft_status status, const char *needle) {
    ft_error err = {FT_OK, "", ""};
    ft_model *m = ft_model_load(path, NULL, &err);
    CHECK(m == NULL);
    ft_model_free(m);
    CHECK_ERROR(err.code, status, err, needle);
    CHECK(ft_model_load(path, NULL, NULL) == NULL);
}

/* Saves the edit beside the base and expects its loading to fail. */
static void edited_fails(edit *e, ft_status status, const char *needle) {
    const char *path = test_path("edited.gguf");
    edit_save(e, path);
    load_fails(path, status, needle);
    remove(path);
}

TEST(model, loads) {
    tiny_model options;
    ft_error err;
    memset(&options, 0, sizeof options);
    options.n_ctx = 99;
    ft_model *m = ft_model_load(tiny(&options), NULL, &err);
    if (!CHECK_OK(m ? FT_OK : err.code, err)) return;
    ft_model_info info = ft_model_get_info(m);
    CHECK_TEXT(info.architecture, "llama");
    CHECK_TEXT(info.name, "tiny");
    CHECK_TEXT(info.tokenizer, "llama");
    CHECK(info.n_layers == 2 && info.n_embd == 64 && info.n_heads == 4 && info.n_kv_heads == 2);
    CHECK(info.head_dim == 16 && info.n_ff == 128 && info.n_ctx == 99 && info.n_experts == 0);
    CHECK_INT(info.n_vocab, tiny_vocab_size());
    CHECK(info.can_tokenize && info.bos == 1 && info.eos == 2 && info.add_bos && !info.add_eos);
    CHECK(!info.has_chat_template);
    uint64_t attention = 2 * 64 * 64 + 2 * 64 * 32, layer = attention + 3 * 64 * 128 + 2 * 64;
    CHECK_INT(info.n_params, 2 * layer + 2 * 64 * (uint64_t)info.n_vocab + 64);
    ft_model_free(m);
    ft_model_free(NULL);
}

TEST(model, vocabulary_alone) {
    edit e;
    ft_error err;
    ft_model_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.vocab_only = true;
    edit_begin(&e, tiny(NULL));
    edit_text(&e, "general.architecture", "other");
    edit_save(&e, test_path("other.gguf"));
    load_fails(test_path("other.gguf"), FT_ERR_UNSUPPORTED, "other.gguf: the architecture \"other\" is not in");
    ft_model *m = ft_model_load(test_path("other.gguf"), &desc, &err);
    if (!CHECK_OK(m ? FT_OK : err.code, err)) return;
    CHECK_INT(ft_model_get_info(m).n_vocab, tiny_vocab_size());
    CHECK(ft_session_create(m, NULL, &err) == NULL);
    CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, "without its weights");
    CHECK(ft_adapter_load(m, "none.gguf", &err) == NULL);
    CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, "without its weights");
    ft_model_free(m);
}

TEST(model, no_such_file) {
    load_fails(test_path("none.gguf"), FT_ERR_NOT_FOUND, "none.gguf: cannot open: ");
    load_fails(test_path("none/none.gguf"), FT_ERR_NOT_FOUND, "cannot open: ");
    load_fails("/tmp", FT_ERR_NOT_FOUND, "config.json: the file is missing");
    test_write(test_path("empty.gguf"), "", 0);
    load_fails(test_path("empty.gguf"), FT_ERR_FORMAT, "not a GGUF file");
    test_write(test_path("text.gguf"), "{\"base\": 1}", 11);
    load_fails(test_path("text.gguf"), FT_ERR_FORMAT, "not a GGUF file");
}

/* Cut anywhere: every byte of the head's first 2 KB, then at 200 places. */
TEST(model, truncated) {
    const char *path = tiny(NULL);
    size_t end = edit_end(path, NULL), cut = end;
    int n = 0;
    while (cut > 0) {
        ft_error err;
        cut = cut > 2048 + end / 200 ? cut - end / 200 : cut > 2048 ? 2048 : cut - 1;
        if (!CHECK(truncate(path, (off_t)cut) == 0)) return;
        ft_model *m = ft_model_load(path, NULL, &err);
        if (!CHECK(m == NULL) || !CHECK_INT(err.code, FT_ERR_FORMAT) || !CHECK(err.message[0] != 0)) {
            test_note("cut to %zu of %zu bytes", cut, end);
            ft_model_free(m);
            return;
        }
        n++;
    }
    CHECK(n > 2200);
}

/* Any byte of the head changed: an error with a text, or a model that computes or says why not. */
TEST(model, any_byte_of_the_head) {
    const char *path = tiny(NULL);
    static const int32_t tokens[3] = {1, 300, 7};
    static float logits[1 << 16];
    size_t n, head = edit_end(path, "token_embd.weight");
    char *bytes = test_read(path, &n);
    FILE *f = fopen(path, "r+b");
    int loaded = 0, failed = 0;
    head -= (size_t)tiny_vocab_size() * 64 * 4;
    for (size_t at = 0; at < head; at += at < 2048 || at + 2048 > head ? 1 : 37) {
        static const unsigned char masks[3] = {0xFF, 0x01, 0x80};
        unsigned char changed = (unsigned char)bytes[at] ^ masks[at % 3];
        ft_error err = {FT_OK, "", ""};
        ft_session_desc desc = {1, 4, FT_KV_F32, 4, 1, 0, false};
        fseek(f, (long)at, SEEK_SET);
        fputc(changed, f);
        fflush(f);
        ft_model *m = ft_model_load(path, NULL, &err);
        ft_session *s = m && ft_model_get_info(m).n_vocab <= 1 << 16 ? ft_session_create(m, &desc, &err) : NULL;
        int sequence;
        if (s) {
            ft_feed feed = {0, tokens, 3, logits, NULL};
            CHECK_OK(ft_session_open(s, 0, &sequence, &err), err);
            ft_session_decode(s, &feed, 1, &err);
        }
        if (m) loaded++;
        else failed += CHECK(err.code != FT_OK && err.message[0]) ? 1 : 0;
        ft_session_free(s);
        ft_model_free(m);
        fseek(f, (long)at, SEEK_SET);
        fputc(bytes[at], f);
    }
    fclose(f);
    free(bytes);
    test_note("%d changes still load, %d are refused", loaded, failed);
    CHECK(loaded > 100 && failed > 100);
}

TEST(model, missing_and_unknown_tensors) {
    static const char *const needed[] = {
        "token_embd.weight", "output_norm.weight", "blk.0.attn_norm.weight", "blk.1.ffn_norm.weight",
        "blk.0.attn_q.weight", "blk.1.attn_k.weight", "blk.0.attn_v.weight", "blk.1.attn_output.weight",
        "blk.0.ffn_gate.weight", "blk.1.ffn_up.weight", "blk.0.ffn_down.weight"};
    char needle[64];
    edit e;
    tiny(NULL);
    for (size_t i = 0; i < FT__COUNT(needed); i++) {
        edit_begin(&e, base_path);
        edit_drop(&e, needed[i]);
        snprintf(needle, sizeof needle, "edited.gguf: %s: the tensor is missing", needed[i]);
        edited_fails(&e, FT_ERR_FORMAT, needle);
    }
    edit_begin(&e, base_path);
    edit_tensor(&e, "blk.0.attn_q_norm.weight", FT__FORMAT_F32, 16, 1, NULL);
    edited_fails(&e, FT_ERR_UNSUPPORTED, "blk.0.attn_q_norm.weight: this architecture has no such tensor");
    edit_begin(&e, base_path);
    edit_tensor(&e, "blk.2.attn_norm.weight", FT__FORMAT_F32, 64, 1, NULL); /* one layer too many */
    edited_fails(&e, FT_ERR_UNSUPPORTED, "blk.2.attn_norm.weight: ");
    edit_begin(&e, base_path);
    edit_int(&e, "llama.block_count", 3);
    edited_fails(&e, FT_ERR_FORMAT, "blk.2.attn_norm.weight: the tensor is missing");
    edit_begin(&e, base_path);
    edit_int(&e, "llama.block_count", 1);
    edited_fails(&e, FT_ERR_UNSUPPORTED, "blk.1.");
}

TEST(model, wrong_shapes) {
    static const struct { const char *name; int ne0, ne1; const char *needle; } wrong[] = {
        {"token_embd.weight", 32, 300, "found shape [32, 300, 1, 1], expected [64, "},
        {"output.weight", 64, 7, "output.weight: found shape [64, 7, 1, 1]"},
        {"output_norm.weight", 63, 1, "output_norm.weight: found shape [63, 1, 1, 1], expected [64, 1, 1, 1]"},
        {"blk.0.attn_q.weight", 64, 65, "found shape [64, 65, 1, 1], expected [64, 64, 1, 1]"},
        {"blk.0.attn_k.weight", 64, 64, "expected [64, 32, 1, 1]"},
        {"blk.1.attn_output.weight", 32, 64, "expected [64, 64, 1, 1]"},
        {"blk.1.ffn_down.weight", 64, 128, "found shape [64, 128, 1, 1], expected [128, 64, 1, 1]"},
        {"blk.0.attn_q.bias", 63, 1, "blk.0.attn_q.bias: found shape [63, 1, 1, 1]"},
        {"rope_freqs.weight", 16, 1, "rope_freqs.weight: found shape [16, 1, 1, 1], expected [8, 1, 1, 1]"},
    };
    tiny(NULL);
    for (size_t i = 0; i < FT__COUNT(wrong); i++) {
        edit e;
        edit_begin(&e, base_path);
        edit_tensor(&e, wrong[i].name, FT__FORMAT_F32, wrong[i].ne0, wrong[i].ne1, NULL);
        edited_fails(&e, FT_ERR_FORMAT, wrong[i].needle);
    }
}

TEST(model, missing_keys) {
    static const char *const needed[] = {"general.architecture", "llama.block_count", "llama.context_length",
                                         "llama.embedding_length", "llama.feed_forward_length",
                                         "llama.attention.head_count",
                                         "llama.attention.layer_norm_rms_epsilon"};
    static const char *const optional[] = {"general.name", "llama.rope.freq_base", "llama.vocab_size",
                                           "llama.rope.dimension_count", "tokenizer.ggml.pre"};
    ft_error err;
    tiny(NULL);
    for (size_t i = 0; i < FT__COUNT(needed); i++) {
        edit e;
        edit_begin(&e, base_path);
        edit_drop(&e, needed[i]);
        edited_fails(&e, FT_ERR_FORMAT, needed[i]);
    }
    for (size_t i = 0; i < FT__COUNT(optional); i++) {
        edit e;
        edit_begin(&e, base_path);
        edit_drop(&e, optional[i]);
        edit_save(&e, test_path("optional.gguf"));
        ft_model *m = ft_model_load(test_path("optional.gguf"), NULL, &err);
        if (!CHECK_OK(m ? FT_OK : err.code, err)) test_note("without %s", optional[i]);
        ft_model_free(m);
    }
}

TEST(model, wrong_values) {
    static const struct { const char *key; uint32_t value; ft_status status; const char *needle; } wrong[] = {
        {"llama.attention.head_count", 0, FT_ERR_FORMAT, "llama.attention.head_count: must be 1 to 4096, found 0"},
        {"llama.attention.head_count_kv", 0, FT_ERR_FORMAT, "must be 1 to 4, found 0"},
        {"llama.attention.head_count_kv", 5, FT_ERR_FORMAT, "must be 1 to 4, found 5"},
        {"llama.attention.head_count_kv", 3, FT_ERR_FORMAT, "4 heads over 3 KV heads"},
        {"llama.attention.head_count", 65, FT_ERR_FORMAT, ""},
        {"llama.attention.value_length", 8, FT_ERR_FORMAT, "value length 8"},
        {"llama.attention.key_length", 600, FT_ERR_FORMAT, "must be 2 to 512, found 600"},
        {"llama.block_count", 0, FT_ERR_FORMAT, "must be 1 to 4096, found 0"},
        {"llama.block_count", 0xFFFFFFFF, FT_ERR_FORMAT, "found 4294967295"},
        {"llama.embedding_length", 0, FT_ERR_FORMAT, "found 0"},
        {"llama.embedding_length", 128, FT_ERR_FORMAT, "token_embd.weight: found shape"},
        {"llama.context_length", 0, FT_ERR_FORMAT, "found 0"},
        {"llama.vocab_size", 100, FT_ERR_FORMAT, "llama.vocab_size is 100, but there are "},
        {"llama.rope.dimension_count", 15, FT_ERR_FORMAT, "rope"},
        {"llama.rope.dimension_count", 32, FT_ERR_FORMAT, "must be 2 to 16, found 32"},
        {"llama.rope.dimension_count", 0, FT_ERR_FORMAT, "found 0"},
        {"llama.rope.freq_base", 0, FT_ERR_FORMAT, "rope"},
        {"llama.rope.scaling.factor", 0, FT_ERR_FORMAT, "rope"},
        {"llama.attention.layer_norm_rms_epsilon", 2, FT_ERR_FORMAT, "expected a number from 0 to 1"},
        {"llama.expert_count", 4, FT_ERR_FORMAT, "llama.expert_used_count"},
        {"general.architecture", 4, FT_ERR_FORMAT, "general.architecture: must be a string"},
        {"split.count", 2, FT_ERR_FORMAT, "name the first of the files"},
    };
    edit e;
    tiny(NULL);
    for (size_t i = 0; i < FT__COUNT(wrong); i++) {
        edit_begin(&e, base_path);
        edit_int(&e, wrong[i].key, wrong[i].value);
        edited_fails(&e, wrong[i].status, wrong[i].needle);
    }
    edit_begin(&e, base_path);
    edit_text(&e, "llama.rope.scaling.type", "longrope");
    edited_fails(&e, FT_ERR_UNSUPPORTED, "found \"longrope\", expected none, linear or yarn");
    edit_begin(&e, base_path);
    edit_text(&e, "general.architecture", "qwen9");
    edited_fails(&e, FT_ERR_UNSUPPORTED, "the architecture \"qwen9\" is not in this version, which has: llama");
    edit_begin(&e, base_path);
    edit_text(&e, "general.architecture", "");
    edited_fails(&e, FT_ERR_FORMAT, "general.architecture is missing");
    edit_begin(&e, base_path);
    edit_text(&e, "llama.block_count", "2");
    edited_fails(&e, FT_ERR_FORMAT, "llama.block_count: must be an integer, found string");
}

/* Frequencies that no angle can be computed from. */
TEST(model, wrong_rope_frequencies) {
    static const uint32_t bad[] = {0, 0x80000000u, 0x7FC00000u, 0x00000001u, 0xBF800000u};
    float divide[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    edit e;
    tiny(NULL);
    for (size_t i = 0; i < FT__COUNT(bad); i++) {
        edit_begin(&e, base_path);
        divide[5] = ft__float_of(bad[i]);
        edit_tensor(&e, "rope_freqs.weight", FT__FORMAT_F32, 8, 1, divide);
        edited_fails(&e, FT_ERR_FORMAT, "rope");
    }
    edit_begin(&e, base_path);
    edit_float(&e, "llama.rope.scaling.factor", 1e-30f);
    edited_fails(&e, FT_ERR_FORMAT, "rope");
}

TEST(model, unsupported_weight_types) {
    static const struct { uint32_t type; const char *needle; } types[] = {
        {24, "weights of type I8 are not in this version"}, {25, "I16"}, {28, "F64"}};
    tiny_model options;
    edit e;
    memset(&options, 0, sizeof options);
    options.n_embd = options.n_ff = 256;
    options.type = FT__FORMAT_Q4_0;
    tiny(&options);
    for (size_t i = 0; i < FT__COUNT(types); i++) {
        edit_begin(&e, base_path);
        edit_tensor(&e, "blk.1.ffn_up.weight", types[i].type, 256, 256, NULL);
        edited_fails(&e, FT_ERR_UNSUPPORTED, types[i].needle);
    }
    edit_begin(&e, base_path);
    edit_tensor(&e, "blk.0.attn_norm.weight", 25, 256, 1, NULL);
    edited_fails(&e, FT_ERR_UNSUPPORTED, "blk.0.attn_norm.weight: type I16");
}

TEST(model, wrong_experts) {
    tiny_model options;
    edit e;
    memset(&options, 0, sizeof options);
    options.n_experts = 4;
    tiny(&options);
    edit_begin(&e, base_path);
    edit_int(&e, "llama.expert_used_count", 5);
    edited_fails(&e, FT_ERR_FORMAT, "must be 1 to 4, found 5");
    edit_begin(&e, base_path);
    edit_int(&e, "llama.expert_count", 3);
    edited_fails(&e, FT_ERR_FORMAT, "blk.0.ffn_gate_inp.weight: found shape [64, 4, 1, 1]");
    edit_begin(&e, base_path);
    edit_drop(&e, "blk.1.ffn_down_exps.weight");
    edited_fails(&e, FT_ERR_FORMAT, "blk.1.ffn_down_exps.weight: the tensor is missing");
    edit_begin(&e, base_path);
    edit_drop(&e, "llama.expert_count");
    edited_fails(&e, FT_ERR_FORMAT, "blk.0.ffn_gate.weight: the tensor is missing");
}

/* Threads that pack are a setting like others. */
TEST(model, wrong_threads) {
    tiny_model options;
    ft_model_desc desc;
    ft_error err;
    memset(&options, 0, sizeof options);
    memset(&desc, 0, sizeof desc);
    options.type = FT__FORMAT_Q8_0;
    tiny(&options);
    ft_model *m = ft_model_load(base_path, NULL, &err);
    bool packs = m && m->packed;
    ft_model_free(m);
    if (!packs) SKIP("nothing is packed for this machine");
    desc.threads = -1;
    CHECK(ft_model_load(base_path, &desc, &err) == NULL);
    CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, "threads: found -1, expected 1 to 256");
    desc.no_pack = true; /* then none are needed */
    m = ft_model_load(base_path, &desc, &err);
    CHECK(m && !m->packed);
    ft_model_free(m);
}

/* q, k and v as one tensor are the same model. */
TEST(model, joined_qkv) {
    static const char *const parts[3] = {"blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight"};
    static const int32_t tokens[4] = {1, 270, 300, 5};
    static float all[128 * 64];
    tiny_model options;
    ft__gguf g;
    ft_error err;
    edit e;
    size_t at = 0;
    memset(&options, 0, sizeof options);
    options.n_layers = 1;
    tiny(&options);
    CHECK_OK(ft__gguf_open(&g, base_path, NULL, &err), err);
    edit_begin(&e, base_path);
    for (int i = 0; i < 3; i++) {
        const ft__gguf_tensor *t = ft__gguf_find(&g, parts[i]);
        memcpy(all + at, t->data, (size_t)t->size);
        at += (size_t)t->size / 4;
        edit_drop(&e, parts[i]);
    }
    ft__gguf_close(&g);
    edit_tensor(&e, "blk.0.attn_qkv.weight", FT__FORMAT_F32, 64, 128, all);
    edit_save(&e, test_path("joined.gguf"));
    float *a = logits_of(base_path, NULL, tokens, 4), *b = logits_of(test_path("joined.gguf"), NULL, tokens, 4);
    CHECK(a && b && memcmp(a, b, 4 * (size_t)tiny_vocab_size() * sizeof *a) == 0);
    free(a);
    free(b);
}

/* ---- adapters */

static ft_model *model; /* of the test that runs */
static char adapter_path[512];

static bool begin_adapter(const tiny_model *options, const tiny_adapter *adapter) {
    static const tiny_adapter standard = {4, 8, 1, 1, 0, FT__FORMAT_F32, false};
    ft_error err;
    model = ft_model_load(tiny(options), NULL, &err);
    snprintf(adapter_path, sizeof adapter_path, "%s", test_path("adapter.gguf"));
    tiny_write_adapter(adapter_path, options, adapter ? adapter : &standard);
    return CHECK_OK(model ? FT_OK : err.code, err);
}

static void adapter_fails(const char *path, ft_status status, const char *needle) {
    ft_error err = {FT_OK, "", ""};
    ft_adapter *a = ft_adapter_load(model, path, &err);
    CHECK(a == NULL);
    ft_adapter_free(a);
    CHECK_ERROR(err.code, status, err, needle);
    CHECK(ft_adapter_load(model, path, NULL) == NULL);
}

static void edited_adapter_fails(edit *e, ft_status status, const char *needle) {
    const char *path = test_path("edited.gguf");
    edit_save(e, path);
    adapter_fails(path, status, needle);
    edit_begin(e, adapter_path);
}

TEST(adapter, wrong_files) {
    edit e;
    float nan = ft__float_of(0x7FC00000u), infinity = ft__float_of(0xFF800000u);
    if (!begin_adapter(NULL, NULL)) return;
    adapter_fails(test_path("none.gguf"), FT_ERR_NOT_FOUND, "none.gguf: cannot open");
    adapter_fails(base_path, FT_ERR_FORMAT, "general.type: found \"\", expected \"adapter\"");
    edit_begin(&e, adapter_path);
    edit_drop(&e, "general.type");
    edited_adapter_fails(&e, FT_ERR_FORMAT, "general.type: found \"\", expected \"adapter\"");
    edit_text(&e, "adapter.type", "control_vector");
    edited_adapter_fails(&e, FT_ERR_FORMAT, "adapter.type: found \"control_vector\", expected \"lora\"");
    edit_text(&e, "general.architecture", "qwen2");
    edited_adapter_fails(&e, FT_ERR_MISMATCH, "general.architecture: found \"qwen2\", expected \"llama\"");
    edit_float(&e, "adapter.lora.alpha", nan);
    edited_adapter_fails(&e, FT_ERR_FORMAT, "adapter.lora.alpha");
    edit_text(&e, "adapter.lora.alpha", "8");
    edited_adapter_fails(&e, FT_ERR_FORMAT, "adapter.lora.alpha: must be a number");
    edit_int(&e, "adapter.alora.invocation_tokens", 5);
    edited_adapter_fails(&e, FT_ERR_UNSUPPORTED, "adapter.alora.invocation_tokens");
    edit_poke(adapter_path, "blk.1.ffn_up.weight.lora_b", 12, &nan, 4);
    adapter_fails(adapter_path, FT_ERR_FORMAT, "blk.1.ffn_up.weight.lora_b: holds an infinity or a NaN");
    edit_poke(adapter_path, "blk.1.ffn_up.weight.lora_b", 12, &infinity, 4);
    adapter_fails(adapter_path, FT_ERR_FORMAT, "holds an infinity or a NaN");
    ft_model_free(model);
}

TEST(adapter, wrong_tensors) {
    edit e;
    if (!begin_adapter(NULL, NULL)) return;
    edit_begin(&e, adapter_path);
    edit_drop(&e, "blk.1.attn_v.weight.lora_b");
    edited_adapter_fails(&e, FT_ERR_FORMAT, "blk.1.attn_v.weight: lora_b is missing");
    edit_drop(&e, "blk.0.attn_q.weight.lora_a");
    edited_adapter_fails(&e, FT_ERR_FORMAT, "blk.0.attn_q.weight: lora_a is missing");
    edit_tensor(&e, "blk.0.attn_q.weight.lora_a", FT__FORMAT_F32, 64, 3, NULL);
    edited_adapter_fails(&e, FT_ERR_FORMAT, "blk.0.attn_q.weight: lora_a has rank 3, lora_b 4");
    edit_tensor(&e, "blk.0.attn_q.weight.lora_a", FT__FORMAT_F32, 32, 4, NULL);
    edited_adapter_fails(&e, FT_ERR_MISMATCH,
                         "found shape [32, 4], expected [inputs, rank] of the model's weight [64, 64]");
    edit_tensor(&e, "blk.0.attn_k.weight.lora_b", FT__FORMAT_F32, 4, 64, NULL);
    edited_adapter_fails(&e, FT_ERR_MISMATCH,
                         "found shape [4, 64], expected [rank, outputs] of the model's weight [64, 32]");
    edit_tensor(&e, "blk.0.attn_q.weight.lora_a", 12, 256, 4, NULL);
    edited_adapter_fails(&e, FT_ERR_MISMATCH, "found shape [256, 4]");
    static const char *const unknown[] = {
        "blk.2.attn_q.weight.lora_a", "blk.0.attn_q.lora_a",
        "blk..attn_q.weight.lora_a", "blk.0attn_q.weight.lora_a", "blk.99999999999.attn_q.weight.lora_a",
        "attn_q.weight.lora_a", "blk.0.output.weight.lora_a", ".lora_a",
        "blk.0.attn_q.weight.lora_c", "blk.0.attn_qkv.weight.lora_a", "blk.-1.attn_q.weight.lora_a"};
    for (size_t i = 0; i < FT__COUNT(unknown); i++) {
        char needle[128];
        edit_tensor(&e, unknown[i], FT__FORMAT_F32, 64, 4, NULL);
        snprintf(needle, sizeof needle, "%s: the model has no weight for this tensor", unknown[i]);
        edited_adapter_fails(&e, FT_ERR_MISMATCH, needle);
    }
    ft_model_free(model);
}

TEST(adapter, of_another_model) {
    static const tiny_adapter standard = {4, 8, 1, 1, 0, FT__FORMAT_F32, false};
    tiny_adapter wrong = standard;
    tiny_model other;
    if (!begin_adapter(NULL, NULL)) return;
    memset(&other, 0, sizeof other);
    other.n_embd = 96;
    tiny_write_adapter(test_path("other.gguf"), &other, &standard);
    adapter_fails(test_path("other.gguf"), FT_ERR_MISMATCH, "of the model's weight [64, 64]");
    other.n_embd = 0, other.n_layers = 3;
    tiny_write_adapter(test_path("deep.gguf"), &other, &standard);
    adapter_fails(test_path("deep.gguf"), FT_ERR_MISMATCH, "blk.2.attn_q.weight.lora_a: the model has no weight");
    other.n_layers = 2, other.n_experts = 4;
    tiny_write_adapter(test_path("experts.gguf"), &other, &standard);
    adapter_fails(test_path("experts.gguf"), FT_ERR_MISMATCH, "ffn_gate_exps.weight.lora_a: the model has no weight");
    wrong.wrong_shape = true;
    tiny_write_adapter(test_path("wrong.gguf"), NULL, &wrong);
    adapter_fails(test_path("wrong.gguf"), FT_ERR_MISMATCH, "found shape [4, 96]");
    ft_model_free(model);
    other.n_experts = 4; /* and a dense one on a model of experts */
    if (!begin_adapter(&other, NULL)) return;
    tiny_write_adapter(test_path("dense.gguf"), NULL, &standard);
    adapter_fails(test_path("dense.gguf"), FT_ERR_MISMATCH, "blk.0.ffn_gate.weight.lora_a: the model has no weight");
    ft_model_free(model);
}

/* An adapter without tensors would be scored as the base. */
TEST(adapter, empty) {
    ft__gguf_writer w;
    ft_error err;
    if (!begin_adapter(NULL, NULL)) return;
    ft__gguf_write_begin(&w, test_path("hollow.gguf"), NULL, &err);
    ft__gguf_write_string(&w, "general.type", "adapter");
    ft__gguf_write_string(&w, "general.architecture", "llama");
    ft__gguf_write_string(&w, "adapter.type", "lora");
    CHECK_OK(ft__gguf_write_end(&w, &err), err);
    adapter_fails(test_path("hollow.gguf"), FT_ERR_MISMATCH, "the adapter holds no tensors");
    ft_model_free(model);
}

TEST(adapter, truncated) {
    if (!begin_adapter(NULL, NULL)) return;
    size_t end = edit_end(adapter_path, NULL);
    for (size_t cut = end - 1; cut > 200; cut -= 151) {
        CHECK(truncate(adapter_path, (off_t)cut) == 0);
        ft_error err;
        ft_adapter *a = ft_adapter_load(model, adapter_path, &err);
        if (!CHECK(a == NULL) || !CHECK_INT(err.code, FT_ERR_FORMAT)) break;
    }
    ft_model_free(model);
}

/* W + factor * B A as floats. */
static float *merged(const ft__gguf *base, const ft__gguf *adapter, const char *name, float factor) {
    char full[80];
    const ft__gguf_tensor *w = ft__gguf_find(base, name), *a, *b;
    snprintf(full, sizeof full, "%s.lora_a", name);
    a = ft__gguf_find(adapter, full);
    snprintf(full, sizeof full, "%s.lora_b", name);
    b = ft__gguf_find(adapter, full);
    float *out = (float *)malloc((size_t)w->size);
    memcpy(out, w->data, (size_t)w->size);
    const float *af = (const float *)(const void *)a->data, *bf = (const float *)(const void *)b->data;
    for (uint64_t r = 0; r < w->ne[1]; r++) {
        for (uint64_t c = 0; c < w->ne[0]; c++) {
            double sum = 0;
            for (uint64_t k = 0; k < a->ne[1]; k++)
                sum += (double)bf[r * a->ne[1] + k] * (double)af[k * w->ne[0] + c];
            out[r * w->ne[0] + c] += (float)((double)factor * sum);
        }
    }
    return out;
}

/* Every module's delta, the head's too, against the model whose weights hold it. */
TEST(adapter, equals_merged_weights) {
    static const char *const names[] = {
        "blk.0.attn_q.weight",      "blk.0.attn_k.weight",   "blk.0.attn_v.weight",  "blk.0.attn_output.weight",
        "blk.0.ffn_gate.weight",    "blk.0.ffn_up.weight",   "blk.0.ffn_down.weight", "blk.1.attn_q.weight",
        "blk.1.attn_k.weight",      "blk.1.attn_v.weight",   "blk.1.attn_output.weight", "blk.1.ffn_gate.weight",
        "blk.1.ffn_up.weight",      "blk.1.ffn_down.weight", "output.weight"};
    static const int32_t tokens[6] = {1, 270, 300, 5, 290, 77};
    const float alpha = 6, scale = 0.75f;
    const int n_vocab = tiny_vocab_size();
    tiny_adapter standard = {4, 6, 3, 1, 0, FT__FORMAT_F32, false};
    float *weights[FT__COUNT(names)], *head_b = (float *)malloc((size_t)n_vocab * 4 * sizeof *head_b);
    float head_a[64 * 4];
    char with_head[512], spec[600];
    ft__gguf base, adapter;
    ft_error err;
    edit e;
    tiny(NULL);
    tiny_write_adapter(test_path("layers.gguf"), NULL, &standard);
    for (int i = 0; i < 64 * 4; i++) head_a[i] = (float)(i * 37 % 101 - 50) / 400.0f;
    for (int i = 0; i < n_vocab * 4; i++) head_b[i] = (float)(i * 53 % 97 - 48) / 100.0f;
    edit_begin(&e, test_path("layers.gguf"));
    edit_tensor(&e, "output.weight.lora_a", FT__FORMAT_F32, 64, 4, head_a);
    edit_tensor(&e, "output.weight.lora_b", FT__FORMAT_F32, 4, n_vocab, head_b);
    snprintf(with_head, sizeof with_head, "%s", test_path("with head.gguf"));
    edit_save(&e, with_head);
    CHECK_OK(ft__gguf_open(&base, base_path, NULL, &err), err);
    CHECK_OK(ft__gguf_open(&adapter, with_head, NULL, &err), err);
    edit_begin(&e, base_path);
    for (size_t i = 0; i < FT__COUNT(names); i++) {
        const ft__gguf_tensor *t = ft__gguf_find(&base, names[i]);
        weights[i] = merged(&base, &adapter, names[i], scale * alpha / 4);
        edit_tensor(&e, names[i], FT__FORMAT_F32, (int)t->ne[0], (int)t->ne[1], weights[i]);
    }
    edit_save(&e, test_path("merged.gguf"));
    snprintf(spec, sizeof spec, "%s:0.75", with_head);
    float *plain = logits_of(base_path, NULL, tokens, 6), *applied = logits_of(base_path, spec, tokens, 6);
    float *expected = logits_of(test_path("merged.gguf"), NULL, tokens, 6);
    distance off = distance_of(expected, applied, 6, n_vocab), effect = distance_of(expected, plain, 6, n_vocab);
    test_note("max %.1e, the adapter's effect %.1f", off.max, effect.max);
    CHECK(off.max < 1e-4 && effect.max > 1);
    for (size_t i = 0; i < FT__COUNT(names); i++) free(weights[i]);
    free(head_b);
    free(plain);
    free(applied);
    free(expected);
    ft__gguf_close(&base);
    ft__gguf_close(&adapter);
}

/* Without alpha the scale alone counts: alpha equal to the rank is the same. */
TEST(adapter, without_alpha) {
    static const int32_t tokens[4] = {1, 270, 300, 5};
    tiny_adapter options = {4, 4, 1, 1, 0, FT__FORMAT_F32, false};
    tiny(NULL);
    tiny_write_adapter(test_path("with.gguf"), NULL, &options);
    options.alpha = 0;
    tiny_write_adapter(test_path("without.gguf"), NULL, &options);
    float *a = logits_of(base_path, test_path("with.gguf"), tokens, 4);
    float *b = logits_of(base_path, test_path("without.gguf"), tokens, 4);
    CHECK(a && b && memcmp(a, b, 4 * (size_t)tiny_vocab_size() * sizeof *a) == 0);
    free(a);
    free(b);
}

/* Factors in other formats are decoded once. */
TEST(adapter, factor_formats) {
    static const uint32_t types[] = {FT__FORMAT_F16, FT__FORMAT_BF16, FT__FORMAT_Q8_0};
    static const int32_t tokens[4] = {1, 270, 300, 5};
    tiny_adapter options = {32, 32, 1, 1, 0, FT__FORMAT_F32, false};
    tiny(NULL);
    tiny_write_adapter(test_path("f32.gguf"), NULL, &options);
    float *a = logits_of(base_path, test_path("f32.gguf"), tokens, 4);
    for (size_t i = 0; i < FT__COUNT(types); i++) {
        options.type = types[i];
        tiny_write_adapter(test_path("other.gguf"), NULL, &options);
        float *b = logits_of(base_path, test_path("other.gguf"), tokens, 4);
        if (CHECK(a && b)) {
            distance off = distance_of(a, b, 4, tiny_vocab_size());
            CHECK(off.max > 0 && off.max < 0.3);
        }
        free(b);
    }
    free(a);
}
