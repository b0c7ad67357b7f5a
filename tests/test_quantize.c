/* Models in other types: which type each tensor gets, that the file is what it should be, and that nothing half
   made is left behind. */
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

static char quantize_in[600], quantize_out[600];

/* Paths that stay; a model whose rows are superblocks. */
static void quantize_set(uint32_t type) {
    tiny_model options = {.n_layers = 1, .n_embd = 256, .n_ff = 512, .type = type};
    snprintf(quantize_in, sizeof quantize_in, "%s", test_path("plain.gguf"));
    snprintf(quantize_out, sizeof quantize_out, "%s", test_path("made.gguf"));
    tiny_write_model(quantize_in, &options);
    unlink(quantize_out);
}

static bool quantize_left(void) {
    char partial[700];
    struct stat st;
    snprintf(partial, sizeof partial, "%s.partial", quantize_out);
    return stat(quantize_out, &st) == 0 || stat(partial, &st) == 0;
}

static ft_status quantize(const char *type, int threads, ft_error *err) {
    ft_convert_desc desc = {{0}, threads, false, NULL, NULL};
    return ft_quantize(quantize_in, quantize_out, type, &desc, NULL, NULL, err);
}

static float *quantize_logits(const char *path, const ft_model_desc *desc, size_t *n) {
    static const int32_t tokens[] = {1, 5, 9, 300, 7};
    ft_error err = {FT_OK, "", ""};
    ft_model *m = ft_model_load(path, desc, &err);
    ft_session *s = m ? ft_session_create(m, NULL, &err) : NULL;
    int sequence = 0;
    if (!CHECK_OK(s ? FT_OK : err.code, err)) return NULL;
    *n = 5 * (size_t)ft_model_get_info(m).n_vocab;
    float *logits = (float *)calloc(*n, sizeof *logits);
    CHECK_OK(ft_session_open(s, 0, &sequence, &err), err);
    ft_feed feed = {sequence, tokens, 5, NULL, logits};
    CHECK_OK(ft_session_decode(s, &feed, 1, &err), err);
    ft_session_free(s);
    ft_model_free(m);
    return logits;
}

/* ---- types */

TEST(quantize, tensors_get_the_types_of_llama_cpps_files) {
    static const char *const names[][2] = {{"Q4_K_M", "q4_k_m"}, {"Q5_K_M", "q5_k_m"}, {"Q3_K_M", "q3_k_m"},
                                           {"Q2_K", "q2_k"},     {"Q6_K", "q6_k"},     {"Q4_0", "q4_0"},
                                           {"Q5_1", "q5_1"},     {"Q8_0", "q8_0"},     {"IQ4_XS", "iq4_xs"}};
    const char *plain = test_shared("quants/llamaq.gguf");
    ft__gguf g, theirs;
    ft_error err;
    const ft__mix *mix;
    uint32_t types[256];
    if (!plain) SKIP("no ../shared");
    ft_allocator a = ft__allocator(NULL);
    CHECK_OK(ft__gguf_open(&g, plain, &a, &err), err);
    for (size_t k = 0; k < FT__COUNT(names); k++) {
        char name[64];
        int64_t file_type = -1;
        snprintf(name, sizeof name, "quants/llamaq-%s.gguf", names[k][1]);
        CHECK_OK(ft__gguf_open(&theirs, test_shared(name), &a, &err), err);
        CHECK_OK(ft__mix_find(names[k][0], &mix, &err), err);
        CHECK_OK(ft__mix_types(mix, &g, &a, types, &err), err);
        CHECK_OK(ft__gguf_int(&theirs, "general.file_type", 0, 100, &file_type, &err), err);
        if (file_type >= 0) CHECK_INT(mix->file_type, file_type);
        for (size_t i = 0; i < g.n_tensors; i++) {
            const ft__gguf_tensor *t = ft__gguf_find(&theirs, g.tensors[i].name);
            if (CHECK(t != NULL) && !CHECK_INT(types[i], t->type)) test_note("%s: %s", names[k][0], t->name);
        }
        ft__gguf_close(&theirs);
    }
    ft__gguf_close(&g);
}

/* A model without data: layers with the tensors that the rules speak of. */
static void quantize_make(ft__gguf *g, int n_layers, int n_kv, int n_experts, int n_cols, bool head) {
    ft_allocator a = ft__allocator(NULL);
    ft_error err;
    const uint64_t ne[3] = {(uint64_t)n_cols, 512, 8};
    char name[64];
    ft__gguf_make_begin(g, "made", &a);
    ft__gguf_make_string(g, "general.architecture", "llama", 5);
    ft__gguf_make_u32(g, "llama.block_count", (uint32_t)n_layers);
    ft__gguf_make_u32(g, "llama.attention.head_count", 32);
    ft__gguf_make_u32(g, "llama.attention.head_count_kv", (uint32_t)n_kv);
    if (n_experts) ft__gguf_make_u32(g, "llama.expert_count", (uint32_t)n_experts);
    ft__gguf_make_tensor(g, "token_embd.weight", 2, ne, 0, NULL);
    ft__gguf_make_tensor(g, "output_norm.weight", 1, ne, 0, NULL);
    if (head) ft__gguf_make_tensor(g, "output.weight", 2, ne, 0, NULL);
    for (int i = 0; i < n_layers; i++) {
        static const char *const names[] = {"attn_norm.weight", "attn_q.weight", "attn_k.weight", "attn_v.weight",
                                            "attn_output.weight", "attn_q_norm.weight", "ffn_gate_inp.weight"};
        for (size_t k = 0; k < FT__COUNT(names); k++) {
            snprintf(name, sizeof name, "blk.%d.%s", i, names[k]);
            ft__gguf_make_tensor(g, name, k ? 2 : 1, ne, 0, NULL);
        }
        snprintf(name, sizeof name, n_experts ? "blk.%d.ffn_down_exps.weight" : "blk.%d.ffn_down.weight", i);
        ft__gguf_make_tensor(g, name, n_experts ? 3 : 2, ne, 0, NULL);
    }
    CHECK_OK(ft__gguf_make_end(g, &err), err);
}

/* How many tensors whose name has `part` become `type`. */
static int quantize_count(const char *mix_name, const ft__gguf *g, const char *part, uint32_t type) {
    const ft__mix *mix;
    ft_error err;
    uint32_t types[1024];
    int n = 0;
    ft_allocator a = ft__allocator(NULL);
    CHECK_OK(ft__mix_find(mix_name, &mix, &err), err);
    CHECK_OK(ft__mix_types(mix, g, &a, types, &err), err);
    for (size_t i = 0; i < g->n_tensors; i++) n += strstr(g->tensors[i].name, part) && types[i] == type;
    return n;
}

TEST(quantize, the_rules) {
    static const struct {
        int n_layers, n_kv, n_experts, n_cols;
        bool head;
        const char *mix, *part;
        uint32_t type;
        int n;
    } rows[] = {
        {32, 8, 0, 512, true, "Q4_K_M", "attn_v", 14, 16},  {32, 8, 0, 512, true, "Q4_K_M", "ffn_down", 14, 16},
        {32, 8, 0, 512, true, "Q4_K_M", "attn_q.", 12, 32}, {32, 8, 0, 512, true, "Q4_K_M", "_norm", 0, 65},
        {32, 8, 0, 512, true, "Q4_K_M", "ffn_gate_inp", 0, 32}, {32, 8, 0, 512, true, "Q4_K_M", "token_embd", 12, 1},
        {32, 8, 0, 512, false, "Q4_K_M", "token_embd", 14, 1},  {32, 8, 0, 512, true, "Q4_K_M", "output.weight", 14, 1},
        {32, 8, 0, 512, true, "Q4_K_S", "attn_v", 13, 4},   {32, 8, 0, 512, true, "Q4_K_S", "ffn_down", 13, 4},
        {32, 8, 0, 512, true, "Q5_K_M", "attn_v", 14, 16},  {32, 8, 0, 512, true, "Q5_K_S", "attn_v", 13, 32},
        {32, 8, 0, 512, true, "Q3_K_M", "attn_v", 13, 2},   {32, 8, 0, 512, true, "Q3_K_M", "attn_v", 12, 30},
        {32, 8, 0, 512, true, "Q3_K_M", "ffn_down", 13, 2}, {32, 8, 0, 512, true, "Q3_K_M", "attn_output", 12, 32},
        {32, 8, 0, 512, true, "Q3_K_L", "ffn_down", 13, 32}, {32, 8, 0, 512, true, "Q3_K_S", "ffn_down", 11, 32},
        {32, 8, 0, 512, true, "Q2_K", "attn_v", 12, 32},    {32, 16, 0, 512, true, "Q2_K", "attn_v", 11, 32},
        {32, 8, 0, 512, true, "IQ4_XS", "attn_v", 13, 32},  {32, 16, 0, 512, true, "IQ4_NL", "attn_v", 20, 32},
        {32, 8, 0, 512, true, "IQ4_NL", "ffn_down", 13, 4},
        {32, 8, 8, 512, true, "Q4_K_M", "attn_v", 8, 32},   {32, 8, 8, 512, true, "Q4_K_M", "attn_k.", 8, 32},
        {32, 8, 8, 512, true, "Q4_K_M", "attn_output", 13, 32}, {32, 8, 8, 512, true, "Q3_K_L", "attn_output", 11, 32},
        {80, 8, 0, 512, true, "Q4_K_S", "attn_v", 13, 80},  {80, 8, 0, 512, true, "Q3_K_S", "attn_v", 13, 80},
        {32, 8, 0, 512, true, "Q4_0", "output.weight", 14, 1}, {32, 8, 0, 512, true, "Q8_0", "output.weight", 8, 33}, /* and attn_output */
        {32, 8, 0, 512, true, "F16", "attn_v", 1, 32},      {32, 8, 8, 512, true, "MXFP4", "ffn_down_exps", 39, 32},
        {32, 8, 8, 512, true, "MXFP4_MOE", "attn_q.", 8, 32},
        /* rows that are no multiple of 256, or not even of 32 */
        {32, 8, 0, 96, true, "Q4_K_M", "attn_q.", 6, 32},   {32, 8, 0, 96, true, "Q4_K_M", "output.weight", 8, 1},
        {32, 8, 0, 96, true, "Q5_K_S", "attn_q.", 7, 32},   {32, 8, 0, 96, true, "Q2_K", "attn_q.", 2, 32},
        {32, 8, 0, 96, true, "IQ4_XS", "attn_q.", 20, 32},  {32, 8, 0, 96, true, "Q4_0", "output.weight", 8, 1},
        {32, 8, 0, 44, true, "Q4_K_M", "attn_q.", 1, 32},   {32, 8, 0, 44, true, "Q8_0", "attn_q.", 1, 32},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        ft__gguf g;
        quantize_make(&g, rows[i].n_layers, rows[i].n_kv, rows[i].n_experts, rows[i].n_cols, rows[i].head);
        int n = quantize_count(rows[i].mix, &g, rows[i].part, rows[i].type);
        if (!CHECK_INT(n, rows[i].n)) test_note("row %d: %s %s", (int)i, rows[i].mix, rows[i].part);
        ft__gguf_close(&g);
    }
}

/* ---- files */

TEST(quantize, every_type_loads_and_keeps_the_keys) {
    static const char *const types[] = {"F32", "F16", "BF16", "Q8_0", "Q6_K", "Q5_0", "Q5_1", "Q5_K_S", "Q5_K_M",
                                        "Q4_0", "Q4_1", "Q4_K_S", "Q4_K_M", "IQ4_NL", "IQ4_XS", "Q3_K_S", "Q3_K_M",
                                        "Q3_K_L", "Q2_K", "MXFP4"};
    size_t n = 0, m = 0;
    ft_error err;
    quantize_set(FT__FORMAT_F32);
    float *plain = quantize_logits(quantize_in, NULL, &n);
    ft_allocator a = ft__allocator(NULL);
    double last = 0;
    for (size_t k = 0; k < FT__COUNT(types); k++) {
        ft__gguf from, to;
        double off = 0;
        CHECK_OK(quantize(types[k], 2, &err), err);
        CHECK_OK(ft__gguf_open(&from, quantize_in, &a, &err), err);
        CHECK_OK(ft__gguf_open(&to, quantize_out, &a, &err), err);
        CHECK_INT(from.n_tensors, to.n_tensors);
        for (size_t i = 0; i < from.n_kv; i++) {
            char key[128];
            snprintf(key, sizeof key, "%.*s", (int)from.kv[i].key.len, from.kv[i].key.data);
            const ft__gguf_kv *kv = ft__gguf_key(&to, key);
            CHECK(kv && kv->count == from.kv[i].count && kv->type == from.kv[i].type);
        }
        ft__gguf_close(&from);
        ft__gguf_close(&to);
        float *made = quantize_logits(quantize_out, NULL, &m);
        CHECK_INT(n, m);
        for (size_t i = 0; made && plain && i < n; i++) {
            double d = (double)made[i] - (double)plain[i];
            off += d * d;
        }
        off = ft__sqrt(off / (double)n);
        if (k == 0) CHECK(off == 0); /* F32 from F32 */
        else CHECK(off > 0 && off < (k < 3 ? 0.05 : k < 5 ? 0.2 : 3));
        last = off;
        free(made);
    }
    test_note("rms off the F32 logits, MXFP4 (Q8_0 where there are no experts): %.3f", last);
    free(plain);
}

/* Quantising is encoding: the file is the one that would have been written from the start. */
TEST(quantize, is_what_the_encoders_make) {
    ft__gguf made, direct;
    ft_error err;
    ft_allocator a = ft__allocator(NULL);
    tiny_model options = {.n_layers = 1, .n_embd = 256, .n_ff = 512, .type = FT__FORMAT_Q8_0};
    quantize_set(FT__FORMAT_F32);
    CHECK_OK(quantize("Q8_0", 1, &err), err);
    tiny_write_model(test_path("direct.gguf"), &options);
    CHECK_OK(ft__gguf_open(&made, quantize_out, &a, &err), err);
    CHECK_OK(ft__gguf_open(&direct, test_path("direct.gguf"), &a, &err), err);
    for (size_t i = 0; i < made.n_tensors; i++) {
        const ft__gguf_tensor *t = &made.tensors[i], *d = ft__gguf_find(&direct, t->name);
        CHECK(d && d->type == t->type && d->size == t->size && memcmp(d->data, t->data, t->size) == 0);
    }
    ft__gguf_close(&made);
    ft__gguf_close(&direct);
}

TEST(quantize, threads_do_not_show) {
    ft_error err;
    size_t n = 0, m = 0;
    tiny_model options = {.n_layers = 1, .n_embd = 512, .n_ff = 1024};
    quantize_set(FT__FORMAT_F32);
    tiny_write_model(quantize_in, &options); /* with matrices of many parts */
    CHECK_OK(quantize("Q4_K_M", 1, &err), err);
    char *one = test_read(quantize_out, &n);
    CHECK_OK(quantize("Q4_K_M", 5, &err), err);
    char *five = test_read(quantize_out, &m);
    CHECK(one && five && n == m && memcmp(one, five, n) == 0);
    free(one);
    free(five);
}

static int quantize_keep(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n);
    return 0;
}

TEST(quantize, says_what_was_quantised_before) {
    ft_error err;
    ft__buf text;
    ft_convert_desc desc = {{0}, 1, false, NULL, NULL};
    ft__buf_init(&text, NULL);
    quantize_set(FT__FORMAT_Q4_0);
    CHECK_OK(ft_quantize(quantize_in, quantize_out, "Q8_0", &desc, quantize_keep, &text, &err), err);
    CHECK(strstr(text.data, "quantised before") && strstr(text.data, "\nQ8_0 ") && strstr(text.data, "\nall "));
    text.len = 0;
    desc.json = true;
    CHECK_OK(ft_quantize(quantize_in, quantize_out, "Q4_0", &desc, quantize_keep, &text, &err), err);
    ft__arena arena;
    ft__json *json;
    ft__arena_init(&arena, NULL);
    CHECK_OK(ft__json_parse(text.data, text.len, "report", 1, &arena, &json, &err), err);
    CHECK_TEXT(ft__json_get(json, "type")->text, "Q4_0");
    /* a head of Q6_K is what Q4_0 has; all else is that already and keeps its bytes */
    CHECK_INT(ft__json_get(json, "quantised before")->number, 1);
    CHECK_INT(ft__json_get(json, "tensors")->count, 12);
    ft__arena_free(&arena);
    ft__buf_free(&text);
}

TEST(quantize, folders) {
    const char *folder = test_shared("lora/llama/hf");
    ft_error err;
    size_t n = 0, m = 0;
    if (!folder) SKIP("no ../shared");
    quantize_set(FT__FORMAT_F32);
    CHECK_OK(ft_quantize(folder, quantize_out, "F32", NULL, NULL, NULL, &err), err);
    float *a = quantize_logits(folder, NULL, &n), *b = quantize_logits(quantize_out, NULL, &m);
    CHECK(a && b && n == m && memcmp(a, b, n * sizeof *a) == 0);
    free(a);
    free(b);
}

/* ---- memory */

typedef struct quantize_memory { size_t live, peak; } quantize_memory;

static void quantize_note(quantize_memory *m, size_t more, size_t less) {
    m->live += more - less;
    if (m->live > m->peak) m->peak = m->live;
}

static void *quantize_alloc(void *user, size_t size) {
    size_t *p = (size_t *)malloc(size + 64);
    if (!p) return NULL;
    *p = size;
    quantize_note((quantize_memory *)user, size, 0);
    return (char *)p + 64;
}

static void quantize_release(void *user, void *memory) {
    if (!memory) return;
    size_t *p = (size_t *)(void *)((char *)memory - 64);
    quantize_note((quantize_memory *)user, 0, *p);
    free(p);
}

static void *quantize_resize(void *user, void *memory, size_t size) {
    void *bigger = quantize_alloc(user, size);
    size_t before = memory ? *(size_t *)(void *)((char *)memory - 64) : 0;
    if (bigger && memory) memcpy(bigger, memory, before < size ? before : size);
    if (bigger) quantize_release(user, memory);
    return bigger;
}

TEST(quantize, takes_the_memory_of_a_tensor) {
    quantize_memory memory = {0, 0};
    ft_convert_desc desc = {{&memory, quantize_alloc, quantize_resize, quantize_release}, 2, false, NULL, NULL};
    tiny_model options = {.n_layers = 8, .n_embd = 256, .n_ff = 512};
    struct stat st;
    ft_error err;
    quantize_set(FT__FORMAT_F32);
    tiny_write_model(quantize_in, &options);
    CHECK_OK(ft_quantize(quantize_in, quantize_out, "Q4_K_M", &desc, NULL, NULL, &err), err);
    CHECK(stat(quantize_in, &st) == 0);
    const size_t largest = 512 * 256 * sizeof(float);
    test_note("a file of %.1f MB, its largest tensor of %.2f MB, took %.2f MB", 1e-6 * (double)st.st_size,
              1e-6 * (double)largest, 1e-6 * (double)memory.peak);
    CHECK_INT(memory.live, 0);
    CHECK(memory.peak < 5 * largest); /* as it was, as it is, as it will be read, the bytes; keys */
}

/* ---- faults */

TEST(quantize, what_is_refused) {
    ft_error err;
    float nan = ft__float_of(0x7FC00000), large = 1e6f;
    quantize_set(FT__FORMAT_F32);
    CHECK_ERROR(quantize("Q4_K_X", 1, &err), FT_ERR_ARGUMENT, err, "Q4_K_M");
    CHECK_ERROR(quantize("IQ2_XXS", 1, &err), FT_ERR_ARGUMENT, err, "IQ4_XS");
    CHECK_ERROR(quantize("Q8_0", 1000, &err), FT_ERR_ARGUMENT, err, "threads");
    CHECK_ERROR(ft_quantize(quantize_in, quantize_in, "Q8_0", NULL, NULL, NULL, &err), FT_ERR_ARGUMENT, err, "input");
    CHECK_ERROR(ft_quantize(test_path("none.gguf"), quantize_out, "Q8_0", NULL, NULL, NULL, &err), FT_ERR_NOT_FOUND,
                err, "none.gguf");
    CHECK_ERROR(ft_quantize(quantize_in, test_path("no/where.gguf"), "Q8_0", NULL, NULL, NULL, &err), FT_ERR_IO, err,
                "no/where.gguf");
    CHECK_ERROR(ft_quantize(quantize_in, "/dev/full", "Q8_0", NULL, NULL, NULL, &err), FT_ERR_IO, err, "/dev/full");
    CHECK_ERROR(ft_quantize(quantize_in, NULL, "Q8_0", NULL, NULL, NULL, &err), FT_ERR_ARGUMENT, err, NULL);
    edit_poke(quantize_in, "blk.0.ffn_up.weight", 4 * 256 * 3, &large, sizeof large);
    CHECK_ERROR(quantize("F16", 1, &err), FT_ERR_UNSUPPORTED, err, "blk.0.ffn_up.weight: row 3 holds numbers");
    edit_poke(quantize_in, "blk.0.ffn_up.weight", 4 * 256 * 3, &nan, sizeof nan);
    CHECK_ERROR(quantize("Q8_0", 2, &err), FT_ERR_FORMAT, err, "blk.0.ffn_up.weight: row 3 holds an infinity");
    CHECK(!quantize_left());
    tiny_adapter adapter = {.rank = 4};
    tiny_write_adapter(test_path("lora.gguf"), NULL, &adapter);
    CHECK_ERROR(ft_quantize(test_path("lora.gguf"), quantize_out, "Q8_0", NULL, NULL, NULL, &err), FT_ERR_ARGUMENT, err,
                "adapter");
    edit e;
    edit_begin(&e, test_path("lora.gguf"));
    edit_drop(&e, "general.type");
    edit_text(&e, "general.architecture", "mamba");
    edit_save(&e, test_path("mamba.gguf"));
    CHECK_ERROR(ft_quantize(test_path("mamba.gguf"), quantize_out, "Q8_0", NULL, NULL, NULL, &err), FT_ERR_UNSUPPORTED,
                err, "mamba");
    CHECK(!quantize_left());
}

static int quantize_stop(void *user, uint64_t done, uint64_t total) {
    return done <= total && --*(int *)user == 0;
}

TEST(quantize, can_be_stopped) {
    int after = 7;
    ft_convert_desc desc = {{0}, 1, false, &after, quantize_stop};
    ft_error err;
    quantize_set(FT__FORMAT_F32);
    CHECK_ERROR(ft_quantize(quantize_in, quantize_out, "Q8_0", &desc, NULL, NULL, &err), FT_ERR_CANCELLED, err, NULL);
    CHECK_INT(after, 0);
    CHECK(!quantize_left());
}

TEST(quantize, out_of_memory_leaves_nothing) {
    ft_error err;
    ft_status status = FT_ERR_MEMORY;
    quantize_set(FT__FORMAT_F32);
    long n = 0;
    for (n = 1; n < 2000 && status; n++) {
        test_memory memory = {0, 0, n};
        ft_convert_desc desc = {test_allocator(&memory), 2, false, NULL, NULL};
        status = ft_quantize(quantize_in, quantize_out, "Q8_0", &desc, NULL, NULL, &err);
        if (status) CHECK_INT(status, FT_ERR_MEMORY);
        CHECK_INT(memory.live, 0);
        if (status) CHECK(!quantize_left());
    }
    CHECK(status == FT_OK && n > 20);
}

/* A disk that is full at several places of the file. */
TEST(quantize, a_full_disk_leaves_nothing) {
    quantize_set(FT__FORMAT_F32);
    for (rlim_t most = 0; most < 1500000; most += 300000) {
        pid_t child = fork();
        if (child == 0) {
            struct rlimit limit = {most, most};
            ft_error err = {FT_OK, "", ""};
            signal(SIGXFSZ, SIG_IGN);
            if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(2);
            ft_status status = quantize("F32", 1, &err);
            _exit(status == FT_ERR_IO && strcmp(err.where, quantize_out) == 0 && !quantize_left() ? 0 : 1);
        }
        int code = -1;
        CHECK(waitpid(child, &code, 0) == child);
        if (WIFEXITED(code) && WEXITSTATUS(code) == 2) SKIP("no limit on the size of files");
        CHECK(WIFEXITED(code) && WEXITSTATUS(code) == 0);
    }
}
