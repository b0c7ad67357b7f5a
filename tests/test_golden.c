/* The promise of ft in digests: the logits of fixed models and tokens, whatever the instruction set, the
   number of threads, the batch, the cut of the prompt and the company in the batch.  The digests are
   stored: a change that moves them is a breaking change (tests/golden/logits.txt says how to renew them). */
#include "test.h"
#include "blocks.h"
#include "gguf_edit.h"
#include "tiny.h"
#include "../src/run/run.h"

static const char golden_path[] = "tests/golden/logits.txt";
static const char golden_head[] =
    "# SHA-256 of all logits (tests/test_golden.c).  A line that moves breaks the promise to users: say so in "
    "CHANGELOG.md.  To renew: delete this file, then  FT_GOLDEN_WRITE=1 make test ONLY=golden\n";

/* ---- the file of digests */

/* The stored digest of a name, or false. */
static bool stored(const char *name, char hex[65]) {
    char *text = test_read(golden_path, NULL), *line = text;
    size_t n = strlen(name);
    bool found = false;
    for (; line && *line && !found; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        found = strncmp(line, name, n) == 0 && line[n] == ' ' && strlen(line) > n + 64;
        if (found) memcpy(hex, line + n + 1, 64), hex[64] = 0;
    }
    free(text);
    return found;
}

static void store(const char *name, const char *hex) {
    FILE *f = fopen(golden_path, "a");
    if (!CHECK(f != NULL)) return;
    if (ftell(f) == 0) fputs(golden_head, f);
    fprintf(f, "%s %s\n", name, hex);
    fclose(f);
}

/* Compares with the stored digest, or writes the first one. */
static void check_digest(const char *name, const char *hex) {
    char expected[65] = "none: see the first line of tests/golden/logits.txt";
    bool found = stored(name, expected);
    if (!found && getenv("FT_GOLDEN_WRITE")) store(name, hex);
    else if (!CHECK_TEXT(hex, expected)) test_note("%s", name);
}

/* ---- one digest */

enum { N = 200, LONG = 1200 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { STEP = 5 }; /* of all combinations: the sanitizers are slow */
#else
enum { STEP = 1 };
#endif

/* How a sequence is computed; nothing of it may show in the logits. */
typedef struct way {
    const char *isa; /* "NAME", or "NAME/rows": weights as they lie in the file */
    int threads, max_batch;
    bool among; /* others */
    int cut;    /* tokens a call; 0: all at once; -1: pieces of all sizes */
} way;

typedef struct golden {
    const char *name;
    tiny_model model;
    bool adapted;
} golden;

static int32_t tokens[LONG];

static void fill_tokens(void) {
    uint32_t x = 12345;
    for (int i = 0; i < LONG; i++) {
        x = x * 1664525u + 1013904223u;
        tokens[i] = i ? (int32_t)((x >> 8) % (uint32_t)tiny_vocab_size()) : 1;
    }
}

static int piece_of(const way *w, int at) {
    static const int sizes[] = {7, 64, 1, 33, 2, 90};
    if (w->cut == 0) return LONG;
    return w->cut > 0 ? w->cut : sizes[(at * 7 + at / 64) % (int)FT__COUNT(sizes)];
}

/* Feeds a piece of the sequence, with others before and after it in the batch. */
static bool feed_piece(ft_session *s, const way *w, int sequence, const int *others, int at, int n,
                       float *logits) {
    ft_error err;
    ft_feed feeds[5];
    int n_feeds = 0;
    for (int i = 0; i < 5; i++) {
        ft_feed feed = {i == 2 ? sequence : others[i], tokens + at, n, NULL, NULL};
        if (i == 2) feed.all_logits = logits + (size_t)at * (size_t)tiny_vocab_size();
        else feed.tokens = tokens + (i * 31 + at) % (N / 2), feed.n_tokens = 1 + (at + i * 5) % 9;
        if (i == 2 || w->among) feeds[n_feeds++] = feed;
    }
    return CHECK_OK(ft_session_decode(s, feeds, n_feeds, &err), err);
}

static void digest(const ft_model *m, const ft_adapter_use *uses, int n_uses, ft_kv_type kv, int n,
                   const way *w, char hex[65]) {
    ft_error err;
    ft_session_desc desc = {w->threads, 2048, kv, w->max_batch, 0, 0, false};
    ft_session *s = ft_session_create(m, &desc, &err);
    float *logits = (float *)calloc((size_t)n * (size_t)tiny_vocab_size(), sizeof *logits);
    int variant = 0, half = 0, sequence, others[5];
    snprintf(hex, 65, "failed");
    if (!CHECK_OK(s ? FT_OK : err.code, err)) return;
    if (n_uses) CHECK_OK(ft_session_add_variant(s, uses, n_uses, &variant, &err), err);
    if (n_uses) CHECK_OK(ft_session_add_variant(s, uses, 1, &half, &err), err);
    CHECK_OK(ft_session_open(s, variant, &sequence, &err), err);
    for (int i = 0; i < 5 && w->among; i++) /* the base's, the same variant's, another's */
        CHECK_OK(ft_session_open(s, i % 3 == 0 ? 0 : i % 3 == 1 ? variant : half, &others[i], &err), err);
    for (int at = 0, piece; at < n; at += piece) {
        piece = piece_of(w, at);
        if (piece > n - at) piece = n - at;
        if (!feed_piece(s, w, sequence, others, at, piece, logits)) break;
    }
    for (size_t i = 0; i < (size_t)n * (size_t)tiny_vocab_size(); i++)
        if (!CHECK(logits[i] > -1e6f && logits[i] < 1e6f)) break;
    ft__sha256_hex(logits, (size_t)n * (size_t)tiny_vocab_size() * sizeof *logits, hex);
    free(logits);
    ft_session_free(s);
}

/* The model as one instruction set uses it; NULL if this machine has none of that name. */
static ft_model *load_for(const char *isa, const char *path) {
    char name[16];
    ft_error err;
    ft_model_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.no_pack = strchr(isa, '/') != NULL;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(isa, "/"), isa);
    setenv("FT_ISA", name, 1);
    ft_model *m = ft_model_load(path, &desc, &err);
    unsetenv("FT_ISA");
    if (m || err.code != FT_ERR_UNSUPPORTED || strcmp(name, "scalar") == 0) CHECK_OK(m ? FT_OK : err.code, err);
    return m;
}

/* All ways for one model: each has the stored digest. */
static void check_file(const char *model_path, const golden *g, const way *ways, size_t n_ways, int n) {
    static const tiny_adapter one = {8, 12, 3, 0.6f, 0, FT__FORMAT_F32, false};
    static const tiny_adapter two = {5, 0, 4, 0.4f, TINY_Q | TINY_K | TINY_UP, FT__FORMAT_F16, false};
    const tiny_adapter *options[2] = {&one, &two};
    ft_adapter *adapters[2] = {NULL, NULL};
    ft_model *m = NULL;
    static const char *const kvs[] = {"kv-f16", "kv-f32", "kv-q8_0"};
    const char *isa = "";
    char adapter_path[512], name[64], hex[65];
    ft_error err;
    snprintf(adapter_path, sizeof adapter_path, "%s", test_path("adapter.gguf"));
    fill_tokens();
    for (size_t i = 0; i < n_ways; i++) {
        if (strcmp(isa, ways[i].isa) != 0) {
            for (int a = 0; a < 2; a++) ft_adapter_free(adapters[a]), adapters[a] = NULL;
            ft_model_free(m);
            m = load_for(isa = ways[i].isa, model_path);
            for (int a = 0; a < 2 && g->adapted && m; a++) {
                tiny_write_adapter(adapter_path, &g->model, options[a]);
                adapters[a] = ft_adapter_load(m, adapter_path, &err);
                CHECK_OK(adapters[a] ? FT_OK : err.code, err);
            }
        }
        for (int kv = 0; kv < 3 && m; kv++) {
            ft_adapter_use uses[2] = {{adapters[0], 1}, {adapters[1], -0.5f}};
            digest(m, uses, g->adapted ? 2 : 0, (ft_kv_type)kv, n, &ways[i], hex);
            snprintf(name, sizeof name, "%s/%s", g->name, kvs[kv]);
            check_digest(name, hex);
        }
    }
    for (int a = 0; a < 2; a++) ft_adapter_free(adapters[a]);
    ft_model_free(m);
}

static void check_golden(const golden *g, const way *ways, size_t n_ways, int n) {
    char path[512];
    snprintf(path, sizeof path, "%s", test_path("model.gguf"));
    tiny_write_model(path, &g->model);
    check_file(path, g, ways, n_ways, n);
}

/* ---- the models; every one of them has other tensors, types or shapes */

static const way few_ways[] = {
    {"scalar", 1, 512, false, 0}, {"scalar", 3, 32, true, -1}, {"avx2", 1, 512, false, 0},
    {"avx2", 1, 1, false, -1},    {"avx2", 2, 3, true, 50},    {"avx2", 3, 32, false, 1},
    {"avx2", 8, 512, true, -1},   {"avx2", 8, 32, false, 17},  {"avx512", 1, 512, false, 0},
    {"avx512", 1, 1, false, -1},  {"avx512", 2, 3, true, 50},  {"avx512", 8, 512, true, -1},
    {"avx2/rows", 2, 64, true, 30}, {"avx512/rows", 3, 100, false, -1},
    {"neon", 1, 512, false, 0},   {"neon", 2, 3, true, 50},    {"neon", 3, 32, true, -1},
    {"dotprod", 1, 512, false, 0}, {"dotprod", 2, 32, true, -1}, {"dotprod/rows", 2, 64, true, 30}};

static void check_few(const golden *models, size_t n) {
    for (size_t i = 0; i < n; i++) check_golden(&models[i], few_ways, FT__COUNT(few_ways), N);
}

/* layers, embd, heads, kv, head_dim, ff, ctx, seed, type, tied, rope_freqs, attn_bias, ffn_bias, experts, used */
TEST(golden, formats) {
    static const golden models[] = {
        {"f32", {0, 0, 0, 0, 0, 0, 0, 1, FT__FORMAT_F32, false, false, false, false, 0, 0}, false},
        {"f16", {0, 0, 0, 0, 0, 0, 0, 1, FT__FORMAT_F16, false, false, false, false, 0, 0}, false},
        {"bf16", {0, 0, 0, 0, 0, 0, 0, 1, FT__FORMAT_BF16, false, false, false, false, 0, 0}, false},
        {"q8_0", {0, 0, 0, 0, 0, 0, 0, 1, FT__FORMAT_Q8_0, false, false, false, false, 0, 0}, false},
        {"q4_0", {0, 0, 0, 0, 0, 0, 0, 1, FT__FORMAT_Q4_0, false, false, false, false, 0, 0}, false},
    };
    check_few(models, FT__COUNT(models));
}

TEST(golden, adapters) {
    static const golden models[] = {
        {"f32-adapted", {0, 0, 0, 0, 0, 0, 0, 1, FT__FORMAT_F32, false, false, false, false, 0, 0}, true},
        {"f16-adapted", {0, 0, 0, 0, 0, 0, 0, 1, FT__FORMAT_F16, true, false, false, false, 0, 0}, true},
        {"q8_0-adapted", {0, 0, 0, 0, 0, 0, 0, 1, FT__FORMAT_Q8_0, false, false, true, true, 0, 0}, true},
        {"q4_0-adapted", {0, 0, 0, 0, 0, 0, 0, 1, FT__FORMAT_Q4_0, false, true, false, false, 0, 0}, true},
    };
    check_few(models, FT__COUNT(models));
}

TEST(golden, shapes) {
    static const golden models[] = {
        {"f32-tied-freqs-biases", {0, 0, 0, 0, 0, 0, 0, 2, FT__FORMAT_F32, true, true, true, true, 0, 0}, false},
        {"q8_0-experts", {0, 0, 0, 0, 0, 64, 0, 3, FT__FORMAT_Q8_0, false, false, false, false, 6, 2}, false},
        {"bf16-experts-tied", {1, 0, 0, 0, 0, 64, 0, 4, FT__FORMAT_BF16, true, false, true, false, 4, 3}, false},
        {"q4_0-heads-of-20", {1, 96, 8, 4, 20, 160, 0, 5, FT__FORMAT_Q4_0, true, true, false, false, 0, 0}, false},
        {"f32-heads-of-6", {1, 64, 3, 1, 6, 96, 0, 6, FT__FORMAT_F32, false, false, true, false, 0, 0}, false},
        {"q8_0-wide", {1, 544, 8, 2, 0, 1056, 0, 7, FT__FORMAT_Q8_0, true, false, false, false, 0, 0}, false},
    };
    check_few(models, FT__COUNT(models));
}

/* A tensor of Q4_K or Q6_K: random bits, but for scales that make weights of a common size; free() it. */
static uint8_t *k_blocks(uint32_t type, size_t n) {
    const ft__format *format = ft__format_find(type);
    uint8_t *blocks = (uint8_t *)malloc(n / 256 * format->n_bytes);
    uint32_t x = (uint32_t)n + type;
    for (size_t i = 0; i < n / 256 * format->n_bytes; i++) {
        x = x * 1664525u + 1013904223u;
        blocks[i] = (uint8_t)(x >> 24);
    }
    for (size_t b = 0; b < n / 256; b++) {
        uint16_t d = ft__f32_to_f16(type == FT__FORMAT_Q6_K ? 4.6e-5f : 4e-4f), min = ft__f32_to_f16(3e-3f);
        memcpy(blocks + b * format->n_bytes + (type == FT__FORMAT_Q6_K ? 208 : 0), &d, 2);
        if (type == FT__FORMAT_Q4_K) memcpy(blocks + b * format->n_bytes + 2, &min, 2);
    }
    return blocks;
}

/* As files called Q4_K_M mix them. */
TEST(golden, k_quants) {
    static const struct { const char *name; uint32_t type; int ne1; } places[] = {
        {"blk.0.attn_q.weight", FT__FORMAT_Q4_K, 256},   {"blk.0.attn_v.weight", FT__FORMAT_Q6_K, 128},
        {"blk.0.ffn_up.weight", FT__FORMAT_Q4_K, 768},   {"blk.0.ffn_gate.weight", FT__FORMAT_Q6_K, 768},
        {"blk.1.ffn_down.weight", FT__FORMAT_Q6_K, 256}, {"blk.0.ffn_down.weight", FT__FORMAT_Q4_K, 256},
        {"output.weight", FT__FORMAT_Q6_K, 0},           {"token_embd.weight", FT__FORMAT_Q4_K, 0}};
    static const golden model = {
        "k-quants", {2, 256, 4, 2, 0, 768, 0, 9, FT__FORMAT_Q4_0, false, false, false, false, 0, 0}, true};
    char path[512];
    uint8_t *blocks[FT__COUNT(places)];
    edit e;
    tiny_write_model(test_path("plain.gguf"), &model.model);
    edit_begin(&e, test_path("plain.gguf"));
    for (size_t i = 0; i < FT__COUNT(places); i++) {
        const int ne0 = strstr(places[i].name, "ffn_down") ? 768 : 256;
        const int ne1 = places[i].ne1 ? places[i].ne1 : tiny_vocab_size();
        blocks[i] = k_blocks(places[i].type, (size_t)ne0 * (size_t)ne1);
        edit_tensor(&e, places[i].name, places[i].type, ne0, ne1, blocks[i]);
    }
    snprintf(path, sizeof path, "%s", test_path("k.gguf"));
    edit_save(&e, path);
    for (size_t i = 0; i < FT__COUNT(places); i++) free(blocks[i]);
    check_file(path, &model, few_ways, FT__COUNT(few_ways), 100);
}

/* Positions beyond 1024: the second span of attention. */
TEST(golden, long_sequence) {
    static const way ways[] = {{"scalar", 2, 512, false, 0}, {"avx2", 3, 512, true, -1}, {"avx2", 2, 100, false, 333},
                                {"avx512", 2, 512, false, 0}, {"avx512", 1, 77, true, -1},
                                {"neon", 2, 512, true, -1}, {"dotprod", 2, 100, false, 333}};
    static const golden model = {
        "long", {1, 32, 2, 1, 0, 32, 2048, 8, FT__FORMAT_F16, true, false, false, false, 0, 0}, false};
    check_golden(&model, ways, FT__COUNT(ways), LONG);
}

/* ---- every architecture and every format of weights: fewer ways, which take the types of cache by turns */

static const way turns[] = {
    {"scalar", 1, 512, false, 0}, {"scalar", 3, 32, true, -1},   {"scalar", 2, 16, false, 33},
    {"avx2", 1, 512, false, -1},  {"avx2", 3, 3, true, 50},      {"avx2", 2, 64, true, 17},
    {"avx2/rows", 2, 64, true, 30}, {"avx2/rows", 1, 7, false, 0}, {"avx2/rows", 3, 100, false, -1},
    {"avx512", 2, 33, true, -1},  {"avx512", 1, 1, false, 0},    {"avx512", 3, 512, false, 50},
    {"avx512/rows", 3, 100, false, -1}, {"avx512/rows", 2, 64, true, 21}, {"avx512/rows", 1, 5, false, 0},
    {"neon", 1, 512, false, 0},   {"neon", 2, 3, true, 50},      {"neon", 3, 32, true, -1},
    {"dotprod", 2, 32, true, -1}, {"dotprod/rows", 1, 64, false, 33}, {"dotprod/rows", 3, 16, true, 0}};

static void check_by_turns(const char *path, const char *model, int n) {
    static const char *const kvs[] = {"kv-f16", "kv-f32", "kv-q8_0"};
    const char *isa = "";
    char name[64], hex[65];
    ft_model *m = NULL;
    fill_tokens();
    for (size_t i = 0; i < FT__COUNT(turns); i += STEP) {
        if (strcmp(isa, turns[i].isa) != 0) {
            ft_model_free(m);
            m = load_for(isa = turns[i].isa, path);
        }
        if (!m) continue;
        digest(m, NULL, 0, (ft_kv_type)(i % 3), n, &turns[i], hex);
        snprintf(name, sizeof name, "%s/%s", model, kvs[i % 3]);
        check_digest(name, hex);
    }
    ft_model_free(m);
}

static void check_architectures(uint32_t type, const char *type_name) {
    char path[512], name[64];
    snprintf(path, sizeof path, "%s", test_path("model.gguf"));
    for (size_t i = 0; ft__arch_at(i); i++) {
        tiny_write_arch(path, ft__arch_at(i)->name, type);
        snprintf(name, sizeof name, "%s-%s", ft__arch_at(i)->name, type_name);
        check_by_turns(path, name, 80);
    }
}

TEST(golden, architectures_in_f32) { check_architectures(FT__FORMAT_F32, "f32"); }
TEST(golden, architectures_in_q8_0) { check_architectures(FT__FORMAT_Q8_0, "q8_0"); }

/* The scale with which random blocks make weights of a std of 1/16. */
static float scale_of(uint32_t type) {
    enum { MANY = 4096 };
    static float values[MANY];
    double sum = 0;
    uint8_t *blocks = blocks_random(type, MANY, 1, 7);
    ft__format_find(type)->decode(blocks, MANY, values);
    for (int i = 0; i < MANY; i++) sum += (double)values[i] * (double)values[i];
    free(blocks);
    return (float)(1 / (16 * ft__sqrt(sum / MANY)));
}

/* A file with all matrices in one format: random blocks, so that no encoder has a part in it. */
TEST(golden, every_format) {
    static const struct { const char *name; int ne1; } matrices[] = {
        {"blk.0.attn_q.weight", 256},   {"blk.0.attn_k.weight", 128}, {"blk.0.attn_v.weight", 128},
        {"blk.0.attn_output.weight", 256}, {"blk.0.ffn_gate.weight", 256}, {"blk.0.ffn_up.weight", 256},
        {"blk.0.ffn_down.weight", 256}, {"output.weight", 0},         {"token_embd.weight", 0}};
    static const tiny_model options = {1, 256, 4, 2, 0, 256, 0, 11, FT__FORMAT_F32, false, false, false, false, 0, 0};
    char path[512], name[64];
    int n_formats = 0;
    tiny_write_model(test_path("plain.gguf"), &options);
    snprintf(path, sizeof path, "%s", test_path("model.gguf"));
    for (uint32_t type = 0; type < FT__FORMATS; type++) {
        const ft__format *format = ft__format_find(type);
        uint8_t *blocks[FT__COUNT(matrices)];
        edit e;
        if (!format || !format->decode) continue;
        edit_begin(&e, test_path("plain.gguf"));
        for (size_t i = 0; i < FT__COUNT(matrices); i++) {
            const int ne1 = matrices[i].ne1 ? matrices[i].ne1 : tiny_vocab_size();
            blocks[i] = blocks_random(type, 256 * (size_t)ne1, scale_of(type), (uint32_t)i);
            edit_tensor(&e, matrices[i].name, type, 256, ne1, blocks[i]);
        }
        edit_save(&e, path);
        for (size_t i = 0; i < FT__COUNT(matrices); i++) free(blocks[i]);
        snprintf(name, sizeof name, "format-%s", format->name);
        check_by_turns(path, name, 48);
        n_formats++;
    }
    CHECK_INT(n_formats, 28);
}

/* ---- prefixes that another sequence computed */

/* Sequences that take 0, 1, 2 and 3 pages of what the first of them computed, then all together in batches
   with it; among those of the base, which had the same tokens first. */
static void check_shared(const ft_model *m, const ft_adapter_use uses[2], ft_kv_type kv, int threads, int max_batch,
                         const char *name) {
    enum { KINDS = 4 };
    ft_error err;
    ft__arena arena;
    ft__places run;
    ft_session_desc desc = {threads, 256, kv, max_batch, 0, 0, false};
    ft_session *s = ft_session_create(m, &desc, &err);
    const size_t V = (size_t)tiny_vocab_size();
    float *logits[KINDS];
    int variant;
    char hex[65];
    if (!CHECK_OK(s ? FT_OK : err.code, err)) return;
    CHECK_OK(ft_session_add_variant(s, uses, 2, &variant, &err), err);
    ft__arena_init(&arena, NULL);
    CHECK(ft__places_init(&run, s, 5, &arena));
    for (int k = 0; k < KINDS; k++) logits[k] = (float *)calloc((size_t)N * V, sizeof(float));
    for (int k = -1; k < KINDS; k++) { /* -1: the base's */
        const ft__place place = {-1, k < 0 ? 0 : variant, tokens, N, 64 * k, N, 0, false, false};
        bool fits = false;
        const int i = k < 0 ? 4 : k;
        CHECK_OK(ft__places_start(&run, i, &place, &fits, &err), err);
        ft__places_round(&run);
        CHECK(fits && ft__places_ready(&run, i));
        const int at = ft__places_n_tokens(&run, i), sequence = run.items[i].sequence;
        CHECK_INT(at, k < 0 ? 0 : 64 * k);
        if (k > 0) memcpy(logits[k], logits[0], (size_t)at * V * sizeof(float));
        ft_feed feed = {sequence, tokens + at, k > 0 ? 5 : N, NULL, k < 0 ? NULL : logits[k] + (size_t)at * V};
        CHECK_OK(ft_session_decode(s, &feed, 1, &err), err);
        ft__places_learn(&run, i, NULL);
    }
    CHECK_INT(ft_session_get_stats(s).tokens_shared, 64 * (1 + 2 + 3));
    ft_feed feeds[KINDS - 1];
    for (int k = 1; k < KINDS; k++) {
        const int at = ft__places_n_tokens(&run, k);
        ft_feed feed = {run.items[k].sequence, tokens + at, N - at, NULL, logits[k] + (size_t)at * V};
        feeds[k - 1] = feed;
    }
    CHECK_OK(ft_session_decode(s, feeds, KINDS - 1, &err), err);
    for (int k = 0; k < KINDS; k++) {
        ft__sha256_hex(logits[k], (size_t)N * V * sizeof(float), hex);
        check_digest(name, hex);
        free(logits[k]);
    }
    ft__arena_free(&arena);
    ft_session_free(s);
}

TEST(golden, shared_prefixes) {
    static const tiny_model options = {0, 0, 0, 0, 0, 0, 0, 1, FT__FORMAT_Q8_0, false, false, true, true, 0, 0};
    static const tiny_adapter one = {8, 12, 3, 0.6f, 0, FT__FORMAT_F32, false};
    static const tiny_adapter two = {5, 0, 4, 0.4f, TINY_Q | TINY_K | TINY_UP, FT__FORMAT_F16, false};
    static const char *const isas[] = {"scalar", "avx2", "avx512"};
    static const char *const names[] = {"q8_0-adapted/kv-f16", "q8_0-adapted/kv-f32", "q8_0-adapted/kv-q8_0"};
    ft_error err;
    fill_tokens();
    tiny_write_model(test_path("model.gguf"), &options);
    tiny_write_adapter(test_path("one.gguf"), &options, &one);
    tiny_write_adapter(test_path("two.gguf"), &options, &two);
    for (int i = 0; i < 3; i++) {
        ft_model *m = load_for(isas[i], test_path("model.gguf"));
        if (!m) continue;
        ft_adapter_use uses[2] = {{ft_adapter_load(m, test_path("one.gguf"), &err), 1},
                                  {ft_adapter_load(m, test_path("two.gguf"), &err), -0.5f}};
        for (int kv = 0; kv < 3; kv++)
            check_shared(m, uses, (ft_kv_type)kv, 1 + i, i == 1 ? 37 : 512, names[kv]);
        for (int a = 0; a < 2; a++) ft_adapter_free((ft_adapter *)(uintptr_t)uses[a].adapter);
        ft_model_free(m);
    }
}

/* Every combination, for the model that takes part in most of the code. */
TEST(golden, every_way) {
    static const golden model = {
        "q8_0-adapted", {0, 0, 0, 0, 0, 0, 0, 1, FT__FORMAT_Q8_0, false, false, true, true, 0, 0}, true};
    static const char *const isas[] = {"scalar", "avx2", "avx512", "avx512/rows", "neon", "dotprod"};
    static const int threads[] = {1, 2, 3, 8}, batches[] = {1, 3, 32, 512};
    way ways[6 * 4 * 4 * 2];
    size_t n = 0;
    for (int i = 0; i < (int)FT__COUNT(isas); i++)
        for (int t = 0; t < 4; t++)
            for (int b = 0; b < 4; b++)
                for (int among = 0; among < 2; among++) {
                    way w = {isas[i], threads[t], batches[b], among == 1, (t + b + among) % 2 ? -1 : 0};
                    ways[n++] = w;
                }
    for (size_t i = 1; i * STEP < n; i++) ways[i] = ways[i * STEP];
    check_golden(&model, ways, (n + STEP - 1) / STEP, N);
}
