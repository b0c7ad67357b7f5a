/* What a file is, its tensors, and ids written as text. */
#include "test.h"
#include "gguf_edit.h"
#include "tiny.h"

#include "../src/model/model.h"

#include <sys/stat.h>

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

static void check_bool(const ft__json *object, const char *key, bool expected) {
    const ft__json *v = ft__json_get(object, key);
    if (!CHECK(v && v->type == (expected ? FT__JSON_TRUE : FT__JSON_FALSE))) test_note("%s", key);
}

/* The page, free() it. */
static char *info_page(const char *path) {
    ft_error err;
    sink k;
    begin(&k, 0);
    CHECK_OK(ft_info(path, false, take, &k, &err), err);
    char *text = (char *)calloc(k.bytes.len + 1, 1);
    if (k.bytes.len) memcpy(text, k.bytes.data, k.bytes.len);
    ft__buf_free(&k.bytes);
    return text;
}

static void check_page(const char *path, const char *const *lines, size_t n) {
    char *text = info_page(path);
    for (size_t i = 0; i < n; i++)
        if (!CHECK(strstr(text, lines[i]) != NULL)) test_note("%s%s", lines[i], text);
    free(text);
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
    check_number(json, "files", 1);
    check_text(json, "name", "tiny");
    check_text(json, "architecture", "llama");
    check_number(json, "layers", 2);
    check_number(json, "embedding", 64);
    check_number(json, "feed_forward", 128);
    check_number(json, "heads", 4);
    check_number(json, "kv_heads", 2);
    check_number(json, "context", 128);
    check_number(json, "window_layers", 0);
    check_number(ft__json_get(json, "rope"), "base", 10000);
    check_number(ft__json_get(json, "rope"), "dimensions", 16);
    check_text(ft__json_get(json, "rope"), "scaling", "none");
    const ft__json *tokenizer = ft__json_get(json, "tokenizer");
    check_text(tokenizer, "model", "llama");
    check_text(tokenizer, "pre", "default");
    check_number(tokenizer, "vocabulary", tiny_vocab_size());
    check_bool(tokenizer, "supported", true);
    check_number(tokenizer, "bos", 1);
    check_bool(tokenizer, "add_bos", true);
    CHECK(ft__json_get(json, "chat_template") && ft__json_get(json, "chat_template")->type == FT__JSON_NULL);
    check_number(json, "bytes", (double)n);
    check_text(json, "sha256", digest);
    check_bool(json, "runs", true);
    CHECK(!ft__json_get(json, "experts") && !ft__json_get(json, "error"));
    const ft__json *types = ft__json_get(json, "types"), *list = ft__json_get(json, "tensor_list");
    double embedding = tiny_vocab_size() * 64.0, layer = 64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 128;
    check_number(ft__json_get(types, "Q8_0"), "bytes", (2 * embedding + 2 * layer) / 32 * 34);
    check_number(ft__json_get(types, "Q8_0"), "tensors", 16);
    check_text(ft__json_get(types, "Q8_0"), "computed_in", "int8");
    check_number(ft__json_get(types, "F32"), "bytes", 5 * 64 * 4);
    check_text(ft__json_get(types, "F32"), "computed_in", "float");
    check_number(json, "parameters", 2 * embedding + 2 * layer + 5 * 64);
    check_number(json, "parameters_active", 2 * embedding + 2 * layer + 5 * 64);
    check_number(json, "tensors", 21);
    if (CHECK(list && list->count == 21)) {
        check_text(list->child, "name", "token_embd.weight");
        check_text(list->child, "type", "Q8_0");
        const ft__json *shape = ft__json_get(list->child, "shape");
        CHECK(shape && shape->count == 2 && shape->child->number == 64);
    }
    ft__arena_free(&arena);
}

/* The cache is what a session takes, and packing takes what a loaded model says. */
TEST(info, memory_is_what_a_session_takes) {
    static const char *const names[] = {"kv_f16", "kv_f32", "kv_q8_0"};
    tiny_model options;
    ft__arena arena;
    ft_error err;
    memset(&options, 0, sizeof options);
    options.type = FT__FORMAT_Q4_0;
    tiny_write_model(test_path("model.gguf"), &options);
    ft__json *json = info_json(test_path("model.gguf"), &arena);
    const ft__json *memory = ft__json_get(json, "memory");
    if (!CHECK(memory)) return;
    for (int type = 0; type < 3; type++) {
        const double width[] = {2, 4, 1 + 4.0 / 16}; /* bytes; heads of 16 share a scale */
        check_number(memory, names[type], 2 * 2 * 2 * 16 * width[type]);
    }
    check_number(memory, "state", 0);
    size_t packed, replaced;
    ft_model *m = ft_model_load(test_path("model.gguf"), NULL, &err);
    if (CHECK_OK(m ? FT_OK : err.code, err)) {
        ft__model_packed_bytes(m, &packed, &replaced);
        check_number(memory, "packed", (double)packed);
        CHECK(m->packed && packed >= replaced && replaced > 0);
    }
    ft_model_free(m);
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
    edit_text(&e, "general.name", "A \"name\"\x1b[31m\xE2\x80\xAE\xC2\x9B");
    edit_save(&e, test_path("other.gguf"));
    ft__json *json = info_json(test_path("other.gguf"), &arena);
    if (json) {
        const ft__json *why = ft__json_get(json, "error");
        CHECK(why && strncmp(why->text, "the architecture \"mixtral\" is not in this version", 49) == 0);
        check_bool(json, "runs", false);
        check_text(json, "name", "A \"name\"\x1b[31m\xE2\x80\xAE\xC2\x9B");
        check_number(json, "layers", 2);
        CHECK(!ft__json_get(json, "memory"));
    }
    ft__arena_free(&arena);
    /* nothing that steers a terminal */
    static const char *const lines[] = {"name            A \"name\"?[31m??\n", "runs            no: ",
                                        "                is not in this version, which has: llama, "};
    check_page(test_path("other.gguf"), lines, FT__COUNT(lines));
    if ((json = info_json(test_path("model.gguf"), &arena))) {
        const ft__json *all = ft__json_get(json, "parameters"), *active = ft__json_get(json, "parameters_active");
        check_number(json, "experts", 4);
        check_number(json, "experts_used", 2);
        check_bool(json, "runs", true);
        CHECK(all && active && all->number - active->number == 2 * 3 * 2 * 64 * 128.0); /* two of four, two layers */
    }
    ft__arena_free(&arena);
}

TEST(info, of_a_tokenizer_that_is_not_in_this_version) {
    ft__arena arena;
    edit e;
    tiny_write_model(test_path("model.gguf"), NULL);
    edit_begin(&e, test_path("model.gguf"));
    edit_text(&e, "tokenizer.ggml.model", "rwkv");
    edit_save(&e, test_path("other.gguf"));
    ft__json *json = info_json(test_path("other.gguf"), &arena);
    check_text(ft__json_get(json, "tokenizer"), "model", "rwkv");
    check_bool(ft__json_get(json, "tokenizer"), "supported", false);
    check_bool(json, "runs", true); /* by token ids */
    ft__arena_free(&arena);
    static const char *const lines[] = {"tokenizer       rwkv, pre-tokenizer default, ", ": not in this version\n"};
    check_page(test_path("other.gguf"), lines, FT__COUNT(lines));
}

/* What a template does with a system text and with tools is seen by rendering it. */
TEST(info, of_a_chat_template) {
    static const struct { const char *source, *line, *system, *tools; } rows[] = {
        {"{% for m in messages %}{{ m.content }}{% endfor %}", "system text used, tools left out", "used", "left out"},
        {"{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}{{ tools }}{{ bos_token }}",
         "system text refused, tools used", "refused", "used"},
        {"{{ messages[-1].content }}", "system text left out, tools left out", "left out", "left out"},
        {"{{ raise_exception('never') }}", "does not work: never", NULL, NULL},
        {"{% if %}", "does not work: ", NULL, NULL}};
    tiny_write_model(test_path("model.gguf"), NULL);
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        ft__arena arena;
        edit e;
        char digest[65];
        edit_begin(&e, test_path("model.gguf"));
        edit_text(&e, "tokenizer.chat_template", rows[i].source);
        edit_save(&e, test_path("chat.gguf"));
        const ft__json *json = info_json(test_path("chat.gguf"), &arena), *chat = ft__json_get(json, "chat_template");
        check_number(chat, "bytes", (double)strlen(rows[i].source));
        check_text(chat, "first_line", rows[i].source);
        ft__sha256_hex(rows[i].source, strlen(rows[i].source), digest);
        check_text(chat, "sha256", digest);
        check_bool(chat, "works", rows[i].system != NULL);
        if (rows[i].system) {
            check_text(chat, "system_text", rows[i].system);
            check_text(chat, "tools", rows[i].tools);
        } else {
            CHECK(ft__json_get(chat, "error") && !ft__json_get(chat, "tools"));
        }
        ft__arena_free(&arena);
        check_page(test_path("chat.gguf"), &rows[i].line, 1);
    }
}

/* Long texts are cut, lines stay within the page. */
TEST(info, of_a_file_made_to_flood) {
    ft__arena arena;
    edit e;
    const size_t n = 1 << 20;
    char *flood = (char *)malloc(n + 1);
    memset(flood, 'x', n);
    for (size_t i = 0; i < n; i += 7) flood[i] = (char)(1 + i % 31);
    flood[n] = 0;
    tiny_write_model(test_path("model.gguf"), NULL);
    edit_begin(&e, test_path("model.gguf"));
    edit_text(&e, "general.name", flood);
    edit_text(&e, "tokenizer.ggml.pre", flood);
    edit_text(&e, "tokenizer.chat_template", flood);
    edit_text(&e, "llama.rope.scaling.type", flood);
    edit_save(&e, test_path("flood.gguf"));
    ft__json *json = info_json(test_path("flood.gguf"), &arena);
    const ft__json *name = ft__json_get(json, "name");
    CHECK(name && name->text_len <= 1000);
    check_bool(json, "runs", false);
    ft__arena_free(&arena);
    char *text = info_page(test_path("flood.gguf"));
    CHECK(strlen(text) < 3000);
    for (const char *p = text, *end; *p; p = end + 1) {
        end = p + strcspn(p, "\n");
        if (!CHECK(end - p <= 80)) test_note("%.*s", (int)(end - p), p);
        for (; p < end; p++)
            CHECK(*p >= 32 && *p != 127); /* no control byte */
        if (!*end) break;
    }
    free(text);
    free(flood);
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
        check_bool(json, "runs", false);
        check_number(json, "tensors", 0);
        check_number(json, "parameters", 0);
        check_number(ft__json_get(json, "tokenizer"), "vocabulary", tiny_vocab_size());
    }
    ft__arena_free(&arena);
    static const char *const lines[] = {"runs            no weights: a vocabulary alone\n"};
    check_page(test_path("vocab.gguf"), lines, 1);
}

TEST(info, as_a_page) {
    static const char *const lines[] = {
        "kind            model, GGUF v3, 1 file, ", "architecture    llama\n",
        "shape           2 layers, embedding 64, feed forward 128\n", "attention       4 heads of 16, 2 KV heads\n",
        "types           F32      100.0 % of the weights, ", "context         128 positions\n",
        "rope            base 10000, turns 16 dimensions of a head\n", "BOS 1 <s>, EOS 2 </s>; adds BOS\n",
        "KV cache        256 B a token, 32.8 KB for 128 (F16; Q8_0 20.5 KB)\n", "runs            yes\n"};
    tiny_write_model(test_path("model.gguf"), NULL);
    check_page(test_path("model.gguf"), lines, FT__COUNT(lines));
}

/* A folder of a kind that this version lacks: facts from config.json and the heads of its files. */
TEST(info, of_a_folder_that_does_not_run) {
    static const char config[] = "{\"model_type\": \"mamba\", \"num_hidden_layers\": 3, \"hidden_size\": 8}";
    static const char head[] = "{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[4,2],\"data_offsets\":[0,8]},"
                               "\"b\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[8,14]}}";
    char bytes[8 + sizeof head - 1 + 14] = {(char)(sizeof head - 1)};
    ft__arena arena;
    char folder[256];
    snprintf(folder, sizeof folder, "%s", test_path("mamba"));
    mkdir(folder, 0777);
    memcpy(bytes + 8, head, sizeof head - 1);
    test_write(test_path("mamba/model-00001-of-00001.safetensors"), bytes, sizeof bytes);
    test_write(test_path("mamba/config.json"), config, sizeof config - 1);
    ft__json *json = info_json(folder, &arena);
    if (json) {
        check_text(json, "kind", "model");
        check_text(json, "format", "safetensors");
        check_text(json, "architecture", "mamba");
        check_number(json, "layers", 3);
        check_number(json, "parameters", 11);
        check_number(json, "bytes", sizeof bytes);
        check_number(ft__json_get(ft__json_get(json, "types"), "F8_E4M3"), "bytes", 8);
        check_bool(json, "runs", false);
        const ft__json *why = ft__json_get(json, "error");
        CHECK(why && strstr(why->text, "mamba"));
    }
    ft__arena_free(&arena);
    static const char *const lines[] = {"F8_E4M3  72.7 % of the weights, 8 B", "not in this version"};
    check_page(folder, lines, FT__COUNT(lines));
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
