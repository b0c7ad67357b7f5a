#include "test.h"
#include "tiny.h"

/* floats of a raw little-endian file; free() it */
static float *read_floats(const char *name, size_t *n) {
    const char *path = test_shared(name);
    size_t bytes = 0;
    float *values = path ? (float *)test_read(path, &bytes) : NULL;
    *n = bytes / sizeof *values;
    return values;
}

static size_t count_elements(const ft__gguf_tensor *t) {
    return (size_t)(t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3]);
}

/* Decodes one tensor of the reference files and compares bits with the engine's floats. */
static void compare_decoded(const ft__gguf *g, const char *type, const char *tensor) {
    char name[64];
    size_t n_expected, wrong = 0, nans = 0;
    snprintf(name, sizeof name, "quants/%s.%s.f32", type, tensor);
    float *expected = read_floats(name, &n_expected);
    const ft__gguf_tensor *t = ft__gguf_find(g, tensor);
    if (!CHECK(t != NULL && expected != NULL)) return;
    const ft__format *format = ft__format_find(t->type);
    size_t n = count_elements(t);
    float *got = (float *)malloc(n * sizeof *got);
    CHECK_INT(n, n_expected);
    format->decode(t->data, n, got);
    for (size_t i = 0; i < n; i++) {
        bool same = ft__bits_of(got[i]) == ft__bits_of(expected[i]);
        if (!same && got[i] != got[i] && expected[i] != expected[i]) nans++;
        else if (!same) wrong++;
    }
    if (nans) test_note("%s %s: %zu NaNs with other payloads", type, tensor, nans);
    if (wrong) test_note("%s %s: %zu of %zu differ", type, tensor, wrong, n);
    CHECK_INT(wrong, 0);
    free(got);
    free(expected);
}

/* Every format, and whether it is encoded. */
static const struct { const char *name; uint32_t type; bool encodes; } known[] = {
    {"f16", 1, true}, {"bf16", 30, true}, {"q4_0", 2, true}, {"q4_1", 3, true}, {"q5_0", 6, true},
    {"q5_1", 7, true}, {"q8_0", 8, true}, {"q2_k", 10, true}, {"q3_k", 11, true}, {"q4_k", 12, true},
    {"q5_k", 13, true}, {"q6_k", 14, true}, {"iq4_nl", 20, true}, {"iq4_xs", 23, true}, {"mxfp4", 39, true},
    {"iq2_xxs", 16, false}, {"iq2_xs", 17, false}, {"iq2_s", 22, false}, {"iq3_xxs", 18, false},
    {"iq3_s", 21, false}, {"iq1_s", 19, false}, {"iq1_m", 29, false}, {"tq1_0", 34, false},
    {"tq2_0", 35, false}, {"nvfp4", 40, false}, {"q1_0", 41, false}, {"q2_0", 42, false}};

TEST(quant, decodes_as_the_engine) {
    ft_error err;
    if (!test_shared("quants/f16.gguf")) SKIP("no ../shared");
    for (size_t i = 0; i < FT__COUNT(known); i++) {
        char name[64];
        ft__gguf g;
        snprintf(name, sizeof name, "quants/%s.gguf", known[i].name);
        if (!CHECK_OK(ft__gguf_open(&g, test_shared(name), NULL, &err), err)) continue;
        CHECK_INT(ft__gguf_find(&g, "w")->type, known[i].type);
        compare_decoded(&g, known[i].name, "w");
        compare_decoded(&g, known[i].name, "bits");
        ft__gguf_close(&g);
    }
}

static double square_error(const float *a, const float *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sum / (double)n;
}

/* Encodes and decodes. */
static void there_and_back(const ft__format *format, const float *in, size_t n, float *back) {
    uint8_t *blocks = (uint8_t *)malloc(n / format->n_elements * format->n_bytes);
    format->encode(in, n, blocks);
    format->decode(blocks, n, back);
    free(blocks);
}

/* The engine's error is that of its own blocks, without an importance matrix. */
TEST(quant, encodes_no_worse_than_the_engine) {
    size_t n, n_engine;
    float *source = read_floats("quants/source.f32", &n);
    if (!source) SKIP("no ../shared");
    float *back = (float *)malloc(n * sizeof *back);
    for (size_t i = 0; i < FT__COUNT(known); i++) {
        char name[64];
        const ft__format *format = ft__format_find(known[i].type);
        CHECK((format->encode != NULL) == known[i].encodes);
        if (!format->encode) continue;
        snprintf(name, sizeof name, "quants/%s.w.f32", known[i].name);
        float *engine = read_floats(name, &n_engine);
        if (!CHECK(engine && n_engine == n)) continue;
        there_and_back(format, source, n, back);
        const double ours = square_error(back, source, n), theirs = square_error(engine, source, n);
        test_note("%-6s mean square error %.4e, the engine's %.4e (%.1f %%)", format->name, ours, theirs,
                  100 * ours / theirs);
        CHECK(ours <= theirs);
        free(engine);
    }
    free(back);
    free(source);
}

TEST(quant, decodes_blocks_made_by_hand) {
    uint8_t q8[34] = {0x00, 0x38}; /* 0.5 */
    uint8_t q4[19] = {0xFF, 0x00, 0xC0}; /* -2, at an odd address */
    float out[32];
    q8[2] = 0x7F, q8[3] = 0x80, q8[33] = 0xFF;
    ft__format_find(FT__FORMAT_Q8_0)->decode(q8, 32, out);
    CHECK(out[0] == 63.5f && out[1] == -64 && out[2] == 0 && out[31] == -0.5f);
    q4[3] = 0xF0, q4[18] = 0x81;
    ft__format_find(FT__FORMAT_Q4_0)->decode(q4 + 1, 32, out);
    CHECK(out[0] == 16 && out[16] == -14 && out[15] == 14 && out[31] == 0 && out[1] == 16);
    uint8_t f16[4] = {0x00, 0x3C, 0x01, 0x80}, bf16[4] = {0x80, 0x3F, 0x80, 0xFF};
    ft__format_find(FT__FORMAT_F16)->decode(f16, 2, out);
    CHECK(out[0] == 1 && ft__bits_of(out[1]) == 0xB3800000u);
    ft__format_find(FT__FORMAT_BF16)->decode(bf16, 2, out);
    CHECK(out[0] == 1 && ft__bits_of(out[1]) == 0xFF800000u);
}

TEST(quant, encodes_blocks_made_by_hand) {
    float in[32] = {0}, nan = ft__float_of(0x7FC00000u);
    uint8_t out[34];
    in[0] = 127, in[1] = -127, in[2] = 0.5f, in[3] = 1.5f, in[4] = nan;
    ft__format_find(FT__FORMAT_Q8_0)->encode(in, 32, out);
    CHECK(out[0] == 0 && out[1] == 0x3C);
    CHECK(out[2] == 127 && out[3] == 129 && out[4] == 0 && out[5] == 2); /* half to even */
    memset(in, 0, sizeof in);
    in[0] = -8, in[1] = 7, in[17] = 1;
    ft__format_find(FT__FORMAT_Q4_0)->encode(in, 32, out);
    CHECK(out[0] == 0 && out[1] == 0x3C); /* the extreme is at -8 */
    CHECK(out[2] == 0x80 && out[3] == 0x9F && out[4] == 0x88);
}

/* Zeros, infinities, NaNs, subnormals and values whose scale F16 lacks: no trap, no nonsense. */
TEST(quant, encodes_anything) {
    static const uint32_t patterns[] = {0, 0x80000000u, 1, 0x807FFFFFu, 0x7F800000u, 0xFF800000u,
                                        0x7FC00000u, 0x7F7FFFFFu, 0xFF7FFFFFu, 0x33800000u, 0x0D000000u};
    for (size_t t = 0; t < FT__COUNT(known); t++) {
        const ft__format *format = ft__format_find(known[t].type);
        if (!format->encode || format->n_elements == 1) continue;
        for (size_t a = 0; a < FT__COUNT(patterns); a++) {
            float in[256], back[256];
            for (size_t i = 0; i < 256; i++) in[i] = ft__float_of(i % 3 ? patterns[a] : 0);
            there_and_back(format, in, 256, back);
            for (size_t i = 0; i < 256; i++)
                if (!CHECK(ft__finite((double)back[i]))) test_note("%s, %08x", format->name, patterns[a]);
            if (a < 2) CHECK(back[1] == 0);
        }
    }
}

/* One value throughout, huge ones beside tiny ones, all of one sign, whole numbers: the error stays within a
   step of the format (a sixth of the extreme where codes have two bits). */
TEST(quant, encodes_odd_shapes) {
    for (size_t t = 0; t < FT__COUNT(known); t++) {
        const ft__format *format = ft__format_find(known[t].type);
        if (!format->encode) continue;
        for (int kind = 0; kind < 6; kind++) {
            float in[512], back[512];
            for (int i = 0; i < 512; i++) {
                float ramp = (float)(i * 7919 % 512) / 512.0f;
                in[i] = kind == 0 ? 0.75f : kind == 1 ? -0.75f : kind == 2 ? 1 + 0.01f * ramp : kind == 3 ? ramp - 0.5f
                      : kind == 4 ? (i % 100 ? 0.001f * ramp : 1.0f) : (float)(i % 3 - 1);
            }
            there_and_back(format, in, 512, back);
            for (int i = 0; i < 512; i++)
                if (!CHECK_NEAR(back[i], in[i], known[t].type == 10 ? 0.25 : 0.15))
                    test_note("%s, kind %d, element %d", format->name, kind, i);
        }
    }
}

/* Every value that a block can hold encodes to itself. */
TEST(quant, is_idempotent) {
    static const uint32_t types[] = {FT__FORMAT_F32, FT__FORMAT_F16, FT__FORMAT_BF16,
                                     FT__FORMAT_Q8_0, FT__FORMAT_Q4_0};
    for (size_t t = 0; t < FT__COUNT(types); t++) {
        float in[256], once[256], twice[256];
        uint8_t blocks[1024];
        const ft__format *format = ft__format_find(types[t]);
        for (int i = 0; i < 256; i++) in[i] = (float)((i * 7919) % 1009 - 500) / 64.0f;
        format->encode(in, 256, blocks);
        format->decode(blocks, 256, once);
        format->encode(once, 256, blocks);
        format->decode(blocks, 256, twice);
        CHECK(memcmp(once, twice, sizeof once) == 0);
        for (int i = 0; i < 256; i++) CHECK_NEAR(once[i], in[i], 1); /* Q4_0's last step */
    }
}

TEST(quant, knows_the_sizes) {
    uint32_t n_elements, n_bytes;
    CHECK(ft__format_block(14, &n_elements, &n_bytes) && n_elements == 256 && n_bytes == 210);
    CHECK(ft__format_block(39, &n_elements, &n_bytes) && n_elements == 32 && n_bytes == 17);
    CHECK(!ft__format_block(4, &n_elements, &n_bytes));
    CHECK(!ft__format_block(99, &n_elements, &n_bytes));
    CHECK(ft__format_find(28)->decode == NULL);
    CHECK_TEXT(ft__format_find(28)->name, "F64");
}

TEST(quant, sizes_as_the_reference_files) {
    static const char *const names[] = {
        "q4_1", "q5_0", "q5_1", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq1_s", "iq1_m", "iq2_s",
        "iq2_xs", "iq2_xxs", "iq3_s", "iq3_xxs", "iq4_nl", "iq4_xs", "tq1_0", "tq2_0", "mxfp4",
        "nvfp4", "q1_0", "q2_0"};
    ft_error err;
    if (!test_shared("quants/f16.gguf")) SKIP("no ../shared");
    for (size_t i = 0; i < FT__COUNT(names); i++) {
        char name[64];
        ft__gguf g;
        snprintf(name, sizeof name, "quants/%s.gguf", names[i]);
        if (!CHECK_OK(ft__gguf_open(&g, test_shared(name), NULL, &err), err)) continue;
        const ft__gguf_tensor *w = ft__gguf_find(&g, "w"), *bits = ft__gguf_find(&g, "bits");
        if (CHECK(w && bits)) { /* the file ends with the last tensor's padding */
            uint64_t end = w->offset + w->size, end2 = bits->offset + bits->size;
            if (end2 > end) end = end2;
            CHECK_INT(g.file.size, (end + 31) / 32 * 32);
            for (const char *p = names[i], *q = ft__format_find(w->type)->name; *p || *q; p++, q++)
                if (!CHECK((*p & ~32) == (*q & ~32))) break;
        }
        ft__gguf_close(&g);
    }
}
