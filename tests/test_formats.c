/* Whole models in every weight format: against an independent float64 program where there are such models,
   and the same bits packed or not, on every instruction set. */
#include "test.h"
#include "blocks.h"
#include "gguf_edit.h"
#include "tiny.h"
#include "../src/io/json.h"

enum { N = 9 };

/* All logits; NULL if this machine lacks the instruction set. */
static float *logits_of(const char *path, const char *isa, bool no_pack, int threads, const int32_t *tokens, int n) {
    ft_error err;
    ft_model_desc desc;
    ft_session_desc session;
    int sequence = 0;
    memset(&desc, 0, sizeof desc);
    memset(&session, 0, sizeof session);
    desc.no_pack = no_pack;
    session.threads = threads;
    session.n_ctx = n;
    session.kv = FT_KV_F32;
    if (isa) setenv("FT_ISA", isa, 1);
    ft_model *m = ft_model_load(path, &desc, &err);
    unsetenv("FT_ISA");
    if (!m && err.code == FT_ERR_UNSUPPORTED && isa) return NULL;
    if (!CHECK_OK(m ? FT_OK : err.code, err)) return NULL;
    ft_session *s = ft_session_create(m, &session, &err);
    if (!CHECK_OK(s ? FT_OK : err.code, err)) {
        ft_model_free(m);
        return NULL;
    }
    float *logits = (float *)calloc((size_t)n * (size_t)ft_model_get_info(m).n_vocab, sizeof *logits);
    CHECK_OK(ft_session_open(s, 0, &sequence, &err), err);
    ft_feed feed = {sequence, tokens, n, NULL, logits};
    CHECK_OK(ft_session_decode(s, &feed, 1, &err), err);
    ft_session_free(s);
    ft_model_free(m);
    return logits;
}

/* Largest and root mean square distance. */
static void distance(const float *a, const float *b, size_t n, double *max, double *rms) {
    double sum = 0;
    *max = 0;
    for (size_t i = 0; i < n; i++) {
        double off = (double)a[i] - (double)b[i], size = off < 0 ? -off : off;
        if (!(size <= *max)) *max = size;
        sum += off * off;
    }
    *rms = ft__sqrt(sum / (double)n);
}

static float *read_logits(const char *name, const char *suffix, size_t n) {
    char path[96];
    size_t bytes = 0;
    snprintf(path, sizeof path, "quants/%s.%s.f32", name, suffix);
    float *values = test_shared(path) ? (float *)(void *)test_read(test_shared(path), &bytes) : NULL;
    CHECK_INT(bytes, n * sizeof *values);
    return values;
}

static void compare_with_float64(const char *name) {
    char path[96];
    int32_t tokens[64];
    int n = 0;
    size_t bytes;
    ft__arena arena;
    ft__json *json = NULL;
    ft_error err;
    snprintf(path, sizeof path, "quants/%s.json", name);
    char *text = test_read(test_shared(path), &bytes);
    ft__arena_init(&arena, NULL);
    CHECK_OK(ft__json_parse(text, bytes, path, 1, &arena, &json, &err), err);
    const ft__json *list = ft__json_get(json, "tokens");
    for (const ft__json *v = list->child; v && n < 64; v = v->next) tokens[n++] = (int32_t)v->number;
    const size_t n_logits = (size_t)n * (size_t)ft__json_get(json, "n_vocab")->number;
    snprintf(path, sizeof path, "quants/%s.gguf", name);
    float *exact = read_logits(name, "ref64", n_logits), *engine = read_logits(name, "logits", n_logits);
    float *ours = logits_of(test_shared(path), NULL, false, 2, tokens, n);
    if (CHECK(exact && engine && ours)) {
        double max[2], rms[2];
        distance(exact, ours, n_logits, &max[0], &rms[0]);
        distance(exact, engine, n_logits, &max[1], &rms[1]);
        test_note("%-14s max %.3f rms %.4f   llama.cpp: max %.3f rms %.4f", name, max[0], rms[0], max[1], rms[1]);
        CHECK(max[0] <= 0.4);
        CHECK(rms[0] <= 0.07);
    }
    free(exact);
    free(engine);
    free(ours);
    free(text);
    ft__arena_free(&arena);
}

TEST(formats, are_near_float64) {
    static const char *const names[] = {"llamaq-q8_0", "llamaq-q6_k", "llamaq-q5_k_m", "llamaq-q5_1", "llamaq-q4_k_m",
                                        "llamaq-q4_0", "llamaq-iq4_xs", "llamaq-q3_k_m", "llamaq-q2_k"};
    if (!test_shared("quants/llamaq.gguf")) SKIP("no ../shared");
    for (size_t i = 0; i < FT__COUNT(names); i++) compare_with_float64(names[i]);
}

/* A tiny model whose embedding, queries and feed-forward part are of that type, all of random bits. */
static void write_model(const char *base, const char *path, uint32_t type) {
    static const struct { const char *name; int cols, rows; } places[] = {
        {"token_embd.weight", 256, 0}, {"blk.0.attn_q.weight", 256, 256}, {"blk.0.ffn_gate.weight", 256, 512},
        {"blk.0.ffn_up.weight", 256, 512}, {"blk.0.ffn_down.weight", 512, 256}, {"output.weight", 256, 0}};
    uint8_t *data[FT__COUNT(places)];
    edit e;
    edit_begin(&e, base);
    for (size_t i = 0; i < FT__COUNT(places); i++) {
        const int rows = places[i].rows ? places[i].rows : tiny_vocab_size();
        data[i] = blocks_random(type, (size_t)(places[i].cols * rows), 0.0005f, 77 + (uint32_t)i);
        edit_tensor(&e, places[i].name, type, places[i].cols, rows, data[i]);
    }
    edit_save(&e, path);
    for (size_t i = 0; i < FT__COUNT(places); i++) free(data[i]);
}

TEST(formats, same_bits_packed_or_not) {
    static const uint32_t types[] = {1, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22, 23, 29, 30, 34,
                                     35, 39, 40, 41, 42};
    static const tiny_model options = {1, 256, 4, 2, 0, 512, 0, 5, FT__FORMAT_F32, false, false, false, false, 0, 0};
    const int32_t tokens[N] = {1, 300, 270, 261, 330, 299, 310, 40, 77};
    const size_t n_logits = N * (size_t)tiny_vocab_size();
    char base[512], path[512];
    snprintf(base, sizeof base, "%s", test_path("base.gguf"));
    snprintf(path, sizeof path, "%s", test_path("typed.gguf"));
    tiny_write_model(base, &options);
    for (size_t i = 0; i < FT__COUNT(types); i++) {
        const char *name = ft__format_find(types[i])->name;
        size_t n_bad = 0;
        write_model(base, path, types[i]);
        float *expected = logits_of(path, "scalar", true, 1, tokens, N);
        if (!CHECK(expected != NULL)) continue;
        for (size_t k = 0; k < n_logits; k++)
            if (!ft__finite((double)expected[k])) n_bad++;
        if (!CHECK_INT(n_bad, 0) || !CHECK(expected[0] != expected[1])) test_note("%s", name);
        for (int isa = 0; isa < FT__ISA_COUNT; isa++) {
            for (int no_pack = 0; no_pack < 2; no_pack++) {
                float *got = logits_of(path, ft__isa_name((ft__isa)isa), no_pack, 2 + no_pack, tokens, N);
                if (got && !CHECK(memcmp(got, expected, n_logits * sizeof *got) == 0))
                    test_note("%s, %s%s", name, ft__isa_name((ft__isa)isa), no_pack ? ", not packed" : "");
                free(got);
            }
        }
        free(expected);
    }
}
