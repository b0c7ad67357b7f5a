/* What a file is, its tensors, and ids written as text. */
#include "test.h"
#include "gguf_edit.h"
#include "tiny.h"

typedef struct sink {
    ft__buf bytes;
    int calls, refuse_at;
} sink;

static int take(void *user, const char *bytes, size_t n) {
    sink *k = (sink *)user;
    if (++k->calls == k->refuse_at) return 1;
    ft__buf_add(&k->bytes, bytes, n);
    return 0;
}

static void begin(sink *k, int refuse_at) {
    memset(k, 0, sizeof *k);
    ft__buf_init(&k->bytes, NULL);
    k->refuse_at = refuse_at;
}

/* ft_info as JSON, parsed; NULL after a failed check. */
static ft__json *info_json(const char *path, ft__arena *arena) {
    ft_error err;
    sink k;
    ft__json *value = NULL;
    begin(&k, 0);
    ft__arena_init(arena, NULL);
    if (CHECK_OK(ft_info(path, true, take, &k, &err), err))
        CHECK_OK(ft__json_parse(k.bytes.data, k.bytes.len, "info", 1, arena, &value, &err), err);
    ft__buf_free(&k.bytes);
    return value;
}

static void check_number(const ft__json *object, const char *key, double expected) {
    const ft__json *v = ft__json_get(object, key);
    if (!CHECK(v && v->type == FT__JSON_NUMBER) || !CHECK_NEAR(v->number, expected, 0)) test_note("%s", key);
}

static void check_text(const ft__json *object, const char *key, const char *expected) {
    const ft__json *v = ft__json_get(object, key);
    if (!CHECK(v && v->type == FT__JSON_STRING) || !CHECK_TEXT(v->text, expected)) test_note("%s", key);
}

TEST(info, of_a_model) {
    const char *path = test_path("model.gguf");
    tiny_model options;
    ft__arena arena;
    size_t n;
    char digest[65];
    memset(&options, 0, sizeof options);
    options.type = FT__FORMAT_Q8_0;
    tiny_write_model(path, &options);
    char *bytes = test_read(path, &n);
    ft__sha256_hex(bytes, n, digest);
    free(bytes);
    ft__json *json = info_json(path, &arena);
    if (!json) return;
    check_text(json, "kind", "model");
    check_text(json, "format", "GGUF v3");
    check_text(json, "name", "tiny");
    check_text(json, "architecture", "llama");
    check_number(json, "layers", 2);
    check_number(json, "embedding", 64);
    check_number(json, "feed forward", 128);
    check_number(json, "heads", 4);
    check_number(json, "KV heads", 2);
    check_number(json, "context", 128);
    check_text(json, "tokenizer", "llama");
    check_text(json, "pre-tokenizer", "default");
    check_number(json, "vocabulary", tiny_vocab_size());
    check_text(json, "chat template", "none");
    check_number(json, "bytes", (double)n);
    check_text(json, "sha256", digest);
    check_text(json, "runs", "yes");
    CHECK(!ft__json_get(json, "experts"));
    const ft__json *types = ft__json_get(json, "types"), *list = ft__json_get(json, "tensor list");
    double embedding = tiny_vocab_size() * 64.0, layer = 64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 128;
    check_number(types, "Q8_0", (2 * embedding + 2 * layer) / 32 * 34);
    check_number(types, "F32", 5 * 64 * 4);
    check_number(json, "parameters", 2 * embedding + 2 * layer + 5 * 64);
    check_number(json, "tensors", 21);
    if (CHECK(list && list->count == 21)) {
        check_text(list->child, "name", "token_embd.weight");
        check_text(list->child, "type", "Q8_0");
        const ft__json *shape = ft__json_get(list->child, "shape");
        CHECK(shape && shape->count == 2 && shape->child->number == 64);
    }
    ft__arena_free(&arena);
}

TEST(info, of_an_adapter) {
    static const tiny_adapter options = {6, 9, 1, 1, 0, FT__FORMAT_F32, false};
    const char *path = test_path("adapter.gguf");
    ft__arena arena;
    tiny_write_adapter(path, NULL, &options);
    ft__json *json = info_json(path, &arena);
    if (!json) return;
    check_text(json, "kind", "adapter");
    check_text(json, "adapter", "lora");
    check_number(json, "alpha", 9);
    check_number(json, "rank", 6);
    check_number(json, "tensors", 28);
    CHECK(!ft__json_get(json, "lowest rank") && !ft__json_get(json, "runs") && !ft__json_get(json, "layers"));
    ft__arena_free(&arena);
    edit e;
    edit_begin(&e, path);
    edit_tensor(&e, "blk.0.attn_q.weight.lora_a", FT__FORMAT_F32, 64, 3, NULL);
    edit_save(&e, test_path("ranks.gguf"));
    if ((json = info_json(test_path("ranks.gguf"), &arena))) {
        check_number(json, "rank", 6);
        check_number(json, "lowest rank", 3);
    }
    ft__arena_free(&arena);
}

/* Files that this version cannot run have facts too, and the reason. */
TEST(info, of_what_does_not_run) {
    tiny_model options;
    ft__arena arena;
    edit e;
    memset(&options, 0, sizeof options);
    options.n_experts = 4;
    tiny_write_model(test_path("model.gguf"), &options);
    edit_begin(&e, test_path("model.gguf"));
    edit_text(&e, "general.architecture", "mixtral");
    edit_int(&e, "mixtral.block_count", 2);
    edit_text(&e, "general.name", "A \"name\"\x1b[31m");
    edit_text(&e, "tokenizer.chat_template", "{{ messages }}");
    edit_save(&e, test_path("other.gguf"));
    ft__json *json = info_json(test_path("other.gguf"), &arena);
    if (json) {
        const ft__json *runs = ft__json_get(json, "runs");
        CHECK(runs && strncmp(runs->text, "no: the architecture \"mixtral\" is not in this version", 53) == 0);
        check_text(json, "name", "A \"name\"\x1b[31m");
        check_text(json, "chat template", "yes");
        check_number(json, "layers", 2);
    }
    ft__arena_free(&arena);
    ft_error err;
    sink k;
    begin(&k, 0);
    CHECK_OK(ft_info(test_path("other.gguf"), false, take, &k, &err), err);
    CHECK(strstr(k.bytes.data, "A \"name\"?[31m") != NULL); /* no control characters on a terminal */
    ft__buf_free(&k.bytes);
    if ((json = info_json(test_path("model.gguf"), &arena))) {
        check_number(json, "experts", 4);
        check_number(json, "experts used", 2);
        check_text(json, "runs", "yes");
    }
    ft__arena_free(&arena);
}

TEST(info, of_a_vocabulary) {
    ft__gguf_writer w;
    ft__gguf g;
    ft_error err;
    ft__arena arena;
    tiny_write_model(test_path("model.gguf"), NULL);
    CHECK_OK(ft__gguf_open(&g, test_path("model.gguf"), NULL, &err), err);
    CHECK_OK(ft__gguf_write_begin(&w, test_path("vocab.gguf"), NULL, &err), err);
    for (size_t i = 0; i < g.n_kv; i++) ft__gguf_write_kv(&w, &g.kv[i]);
    CHECK_OK(ft__gguf_write_end(&w, &err), err);
    ft__gguf_close(&g);
    ft__json *json = info_json(test_path("vocab.gguf"), &arena);
    if (json) {
        check_text(json, "kind", "vocabulary");
        check_text(json, "runs", "no weights: a vocabulary alone");
        check_number(json, "tensors", 0);
        check_number(json, "parameters", 0);
    }
    ft__arena_free(&arena);
}

TEST(info, as_text) {
    ft_error err;
    sink k;
    static const char *const lines[] = {
        "kind              model\n", "architecture      llama\n", "layers            2\n", "heads             4\n",
        "types             F32 100.0 %\n", "runs              yes\n"};
    tiny_write_model(test_path("model.gguf"), NULL);
    begin(&k, 0);
    CHECK_OK(ft_info(test_path("model.gguf"), false, take, &k, &err), err);
    for (size_t i = 0; i < FT__COUNT(lines); i++)
        if (!CHECK(strstr(k.bytes.data, lines[i]) != NULL)) test_note("%s%s", lines[i], k.bytes.data);
    ft__buf_free(&k.bytes);
}

/* Every vocabulary, model and adapter of the reference data gives one JSON object. */
TEST(info, of_the_reference_files) {
    static const char *const files[] = {
        "tokenizers/ggml-vocab-llama-spm.gguf", "tokenizers/ggml-vocab-phi-3.gguf", "logits/gemma3.gguf",
        "logits/qwen35.gguf", "logits/deepseek2.gguf", "logits/gptossmx.gguf", "quants/iq1_m.gguf",
        "quants/llamaq-q4_k_m.gguf", "quants/source.gguf", "lora/llama/lora.gguf", "models/stories260K-q8_0.gguf"};
    if (!test_shared(files[0])) SKIP("no ../shared");
    for (size_t i = 0; i < FT__COUNT(files); i++) {
        ft__arena arena;
        ft__json *json = info_json(test_shared(files[i]), &arena);
        if (!CHECK(json && ft__json_get(json, "kind") && ft__json_get(json, "sha256"))) test_note("%s", files[i]);
        ft__arena_free(&arena);
    }
}

TEST(info, errors) {
    ft_error err;
    sink k;
    begin(&k, 0);
    for (int json = 0; json < 2; json++) {
        CHECK_ERROR(ft_info(test_path("none.gguf"), json, take, &k, &err), FT_ERR_NOT_FOUND, err, "none.gguf: cannot open");
        test_write(test_path("junk.gguf"), "GGUFjunk", 8);
        CHECK(ft_info(test_path("junk.gguf"), json, take, &k, &err) != FT_OK);
        CHECK_INT(ft_info(test_path("none.gguf"), json, take, &k, NULL), FT_ERR_NOT_FOUND);
    }
    CHECK_INT(k.calls, 0);
    tiny_write_model(test_path("model.gguf"), NULL);
    k.refuse_at = 1;
    CHECK_ERROR(ft_info(test_path("model.gguf"), true, take, &k, &err), FT_ERR_CANCELLED, err, "refused");
    ft__buf_free(&k.bytes);
}

/* ---- tensors */

TEST(info, tensors_as_decoded) {
    static const uint32_t types[] = {FT__FORMAT_F32, FT__FORMAT_F16, FT__FORMAT_BF16, FT__FORMAT_Q8_0, FT__FORMAT_Q4_0};
    const char *path = test_path("model.gguf");
    for (size_t i = 0; i < FT__COUNT(types); i++) {
        tiny_model options;
        ft__gguf g;
        ft_error err;
        memset(&options, 0, sizeof options);
        options.type = types[i];
        options.n_experts = i % 2 ? 4 : 0;
        tiny_write_model(path, &options);
        CHECK_OK(ft__gguf_open(&g, path, NULL, &err), err);
        for (size_t t = 0; t < g.n_tensors; t++) {
            const ft__gguf_tensor *tensor = &g.tensors[t];
            size_t n = (size_t)(tensor->ne[0] * tensor->ne[1] * tensor->ne[2] * tensor->ne[3]);
            float *expected = (float *)malloc(n * sizeof *expected);
            sink k;
            begin(&k, 0);
            ft__format_find(tensor->type)->decode(tensor->data, n, expected);
            CHECK_OK(ft_info_tensor(path, tensor->name, take, &k, &err), err);
            CHECK(ft__text_equal(k.bytes.data, k.bytes.len, (const char *)expected, n * sizeof *expected));
            ft__buf_free(&k.bytes);
            free(expected);
        }
        ft__gguf_close(&g);
    }
}

TEST(info, tensor_errors) {
    ft_error err;
    sink k;
    edit e;
    const char *path = test_path("model.gguf");
    tiny_write_model(path, NULL);
    begin(&k, 0);
    CHECK_ERROR(ft_info_tensor(path, "none", take, &k, &err), FT_ERR_NOT_FOUND, err, "there is no tensor \"none\"");
    CHECK_ERROR(ft_info_tensor(test_path("none.gguf"), "w", take, &k, &err), FT_ERR_NOT_FOUND, err, "cannot open");
    edit_begin(&e, path);
    edit_tensor(&e, "odd", 28, 256, 3, NULL);
    edit_save(&e, test_path("odd.gguf"));
    CHECK_ERROR(ft_info_tensor(test_path("odd.gguf"), "odd", take, &k, &err), FT_ERR_UNSUPPORTED, err, "type F64");
    CHECK_INT(k.calls, 0);
    k.refuse_at = 3;
    CHECK_ERROR(ft_info_tensor(path, "output.weight", take, &k, &err), FT_ERR_CANCELLED, err, "output.weight");
    CHECK_INT(k.calls, 3);
    ft__buf_free(&k.bytes);
}

/* ---- ids as text, whole files */

TEST(info, write_tokens) {
    int32_t ids[64];
    size_t n, at = 0;
    ft_error err;
    sink k;
    char expected[512];
    tiny_write_model(test_path("model.gguf"), NULL);
    ft_model *m = ft_model_load(test_path("model.gguf"), NULL, &err);
    if (!CHECK_OK(m ? FT_OK : err.code, err)) return;
    static const char *const texts[] = {"hello world", "", "a</s>b", "\xFF\n"};
    for (unsigned flags = 0; flags < 4; flags++) {
        for (size_t i = 0; i < FT__COUNT(texts); i++) {
            CHECK_OK(ft_tokenize(m, texts[i], strlen(texts[i]), flags, ids, 64, &n, &err), err);
            at = (size_t)snprintf(expected, sizeof expected, "[");
            for (size_t t = 0; t < n; t++)
                at += (size_t)snprintf(expected + at, sizeof expected - at, t ? ",%d" : "%d", (int)ids[t]);
            snprintf(expected + at, sizeof expected - at, "]\n");
            begin(&k, 0);
            CHECK_OK(ft_write_tokens(m, texts[i], strlen(texts[i]), flags, take, &k, &err), err);
            CHECK_TEXT(k.bytes.data, expected);
            ft__buf_free(&k.bytes);
        }
    }
    begin(&k, 1);
    CHECK_ERROR(ft_write_tokens(m, "a", 1, 0, take, &k, &err), FT_ERR_CANCELLED, err, "refused");
    CHECK_ERROR(ft_tokenize(m, "hello world", 11, 0, ids, 1, &n, &err), FT_ERR_LIMIT, err, NULL);
    CHECK(n > 1);
    ft__buf_free(&k.bytes);
    ft_model_free(m);
}

TEST(info, write_tokens_of_rows) {
    ft_error err;
    sink k, one;
    const char *path = test_path("rows.jsonl");
    static const char rows[] = "{\"text\": \"hello world\"}\n\n{\"id\": 1, \"text\": \"the\\u0000end\"}\r\n{\"text\": \"\"}";
    tiny_write_model(test_path("model.gguf"), NULL);
    ft_model *m = ft_model_load(test_path("model.gguf"), NULL, &err);
    if (!CHECK_OK(m ? FT_OK : err.code, err)) return;
    test_write(path, rows, sizeof rows - 1);
    begin(&k, 0);
    begin(&one, 0);
    CHECK_OK(ft_write_tokens_of_rows(m, path, FT_TOKENIZE_PLAIN, take, &k, &err), err);
    CHECK_OK(ft_write_tokens(m, "hello world", 11, FT_TOKENIZE_PLAIN, take, &one, &err), err);
    CHECK_OK(ft_write_tokens(m, "the\0end", 7, FT_TOKENIZE_PLAIN, take, &one, &err), err);
    CHECK_OK(ft_write_tokens(m, "", 0, FT_TOKENIZE_PLAIN, take, &one, &err), err);
    CHECK_INT(k.calls, 3);
    CHECK_TEXT(k.bytes.data, one.bytes.data);
    static const struct { const char *rows; ft_status status; const char *needle; } wrong[] = {
        {"{\"text\": \"a\"}\n{\"text\": 5}\n", FT_ERR_DATA, "rows.jsonl:2: \"text\" must be a string, found number"},
        {"\n{\"id\": 1}\n", FT_ERR_DATA, "rows.jsonl:2: \"text\" must be a string, found nothing"},
        {"[1]\n", FT_ERR_DATA, "rows.jsonl:1: "},
        {"{\"text\": \"a\"}\n{\"text\"\n", FT_ERR_FORMAT, "rows.jsonl:2"}};
    for (size_t i = 0; i < FT__COUNT(wrong); i++) {
        test_write(path, wrong[i].rows, strlen(wrong[i].rows));
        CHECK_ERROR(ft_write_tokens_of_rows(m, path, 0, take, &k, &err), wrong[i].status, err, wrong[i].needle);
    }
    CHECK_ERROR(ft_write_tokens_of_rows(m, test_path("none.jsonl"), 0, take, &k, &err), FT_ERR_NOT_FOUND, err,
                "none.jsonl");
    test_write(path, rows, sizeof rows - 1);
    k.calls = 0, k.refuse_at = 2;
    CHECK_ERROR(ft_write_tokens_of_rows(m, path, 0, take, &k, &err), FT_ERR_CANCELLED, err, "refused");
    CHECK_INT(k.calls, 2);
    ft__buf_free(&k.bytes);
    ft__buf_free(&one.bytes);
    ft_model_free(m);
}

TEST(info, read_file) {
    ft_error err;
    size_t n = 99;
    test_write(test_path("some.txt"), "a\0b", 3);
    char *data = ft_read_file(test_path("some.txt"), &n, &err);
    CHECK(data && n == 3 && memcmp(data, "a\0b", 4) == 0);
    free(data);
    CHECK(ft_read_file(test_path("none.txt"), &n, &err) == NULL);
    CHECK_ERROR(err.code, FT_ERR_NOT_FOUND, err, "none.txt: cannot open");
}
