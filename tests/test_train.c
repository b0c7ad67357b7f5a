/* The trainer: products against straight loops, gradients against finite differences, the same bits on any
   number of threads and any instruction set, checkpoints, and what comes out against the library. */
#include "test.h"
#include "../models/train.h"

#include <sys/stat.h>
#include <unistd.h>

static const char *const isas[] = {"scalar", "avx2", "avx512"};

/* False where this machine lacks it. */
static bool use_isa(const char *name) {
    ft__isa isa;
    ft_error err;
    setenv("FT_ISA", name, 1);
    if (ft__isa_choose(&isa, &err) == FT_OK) return true;
    unsetenv("FT_ISA");
    return false;
}

/* Numbers around 0, named by their seed. */
static void fill(float *x, size_t n, uint64_t seed, double amplitude) {
    for (size_t i = 0; i < n; i++) x[i] = (float)((ft__random_unit(seed, 0, 0, (uint32_t)i) - 0.5) * 2 * amplitude);
}

static float *floats(size_t n, uint64_t seed, double amplitude) {
    float *x = (float *)calloc(n + 16, sizeof *x);
    fill(x, n, seed, amplitude);
    return x;
}

/* ---- kernels and products */

static train_matrix stored(const float *data, int rows, int cols, bool turned) {
    train_matrix m = {data, turned ? 1 : (size_t)cols, turned ? (size_t)rows : 1};
    return m;
}

/* c by the definition, in the trainer's order. */
static void multiply_plainly(const train_product *p, float *c) {
    for (int i = 0; i < p->m; i++)
        for (int j = 0; j < p->n; j++) {
            volatile float sum = p->add ? c[(size_t)i * p->ldc + (size_t)j] : 0, product;
            for (int k = 0; k < p->k; k++) {
                product = p->a.data[(size_t)i * p->a.row + (size_t)k * p->a.col] *
                          p->b.data[(size_t)k * p->b.row + (size_t)j * p->b.col];
                sum = sum + product;
            }
            c[(size_t)i * p->ldc + (size_t)j] = sum;
        }
}

static void check_product(const train_kernels *k, int m, int n, int depth, int how) {
    const size_t ldc = (size_t)n + 3;
    float *a = floats((size_t)m * (size_t)depth, 1, 1), *b = floats((size_t)n * (size_t)depth, 2, 1);
    float *c = floats((size_t)m * ldc, 3, 1), *expected = floats((size_t)m * ldc, 3, 1);
    train_product p;
    memset(&p, 0, sizeof p);
    p.kernels = k;
    p.m = m, p.n = n, p.k = depth;
    p.a = stored(a, m, depth, how & 1);
    p.b = stored(b, depth, n, how & 2);
    p.add = how & 4;
    p.c = c, p.ldc = ldc;
    p.packed = floats(train_packed_size(n, depth), 0, 0);
    multiply_plainly(&p, expected);
    train_multiply(&p);
    CHECK(memcmp(c, expected, (size_t)m * ldc * sizeof *c) == 0);
    free(a), free(b), free(c), free(expected), free(p.packed);
}

TEST(train, products_are_bit_for_bit_the_straight_loops) {
    static const int sizes[][3] = {{1, 1, 1},    {12, 32, 7},   {13, 33, 300},
                                   {100, 64, 17}, {50, 31, 513}, {5, 96, 256}};
    for (size_t i = 0; i < FT__COUNT(isas); i++) {
        train_kernels k;
        ft_error err;
        if (!use_isa(isas[i])) continue;
        CHECK_OK(train_kernels_choose(&k, &err), err);
        for (size_t s = 0; s < FT__COUNT(sizes); s++)
            for (int how = 0; how < 8; how++) check_product(&k, sizes[s][0], sizes[s][1], sizes[s][2], how);
    }
    unsetenv("FT_ISA");
}

/* Where one matrix is triangular, leaving out its zeros must not show. */
TEST(train, triangular_products_equal_whole_ones) {
    enum { N = 131, D = 32 };
    static float lower[N * N], upper[N * N];
    float *b = floats(N * D, 5, 1), *whole = floats(N * D, 0, 0), *part = floats(N * D, 0, 0);
    float *packed = floats(train_packed_size(N, N), 0, 0);
    train_kernels k;
    ft_error err;
    CHECK_OK(train_kernels_choose(&k, &err), err);
    for (int i = 0; i < N * N; i++) {
        float x = (float)(ft__random_unit(7, 0, 0, (uint32_t)i) - 0.5);
        lower[i] = i % N <= i / N ? x : 0;
        upper[i] = i % N >= i / N ? x : 0;
    }
    for (int u = 0; u < 2; u++) {
        train_product p = {&k, N, D, N, stored(u ? upper : lower, N, N, false), stored(b, N, D, false), whole, D,
                           false, TRAIN_ALL, packed};
        train_multiply(&p);
        p.c = part;
        p.part = u ? TRAIN_FROM_ROW : TRAIN_UNTIL_ROW;
        train_multiply(&p);
        CHECK(memcmp(whole, part, sizeof(float) * N * D) == 0);
    }
    free(b), free(whole), free(part), free(packed);
}

TEST(train, row_kernels_give_the_same_bits_everywhere) {
    enum { N = 96 };
    char first[65] = "", hex[65];
    for (size_t i = 0; i < FT__COUNT(isas); i++) {
        float x[6][N];
        double loss;
        train_kernels k;
        ft_error err;
        if (!use_isa(isas[i])) continue;
        CHECK_OK(train_kernels_choose(&k, &err), err);
        for (int r = 0; r < 6; r++) fill(x[r], N, (uint64_t)r + 1, 3);
        float inverse = k.norm(x[0], x[1], 1e-5f, N, x[2]);
        k.norm_back(x[0], x[1], inverse, x[2], N, x[3]);
        k.norm_weight(x[0], &inverse, x[2], N, 1, N, x[4]);
        k.silu_mul_back(x[3], x[4], x[2], N);
        k.turn(x[3], x[4], 32);
        k.softmax(x[3], 0.3f, 83, N);
        k.softmax_back(x[3], x[4], 0.3f, 83, N);
        k.silu_mul(x[4], x[3], N, x[5]);
        loss = k.cross_entropy(x[5], N, 3, 0.25f);
        x[0][0] = (float)loss;
        ft__sha256_hex(x, sizeof x, hex);
        if (!first[0]) memcpy(first, hex, sizeof hex);
        CHECK_TEXT(hex, first);
        CHECK(loss > 0 && loss < 20);
    }
    unsetenv("FT_ISA");
}

TEST(train, cross_entropy_is_the_textbook_s) {
    float s[16];
    train_kernels k;
    ft_error err;
    double sum = 0;
    CHECK_OK(train_kernels_choose(&k, &err), err);
    for (int i = 0; i < 16; i++) s[i] = (float)i * 0.25f, sum += ft__exp(i * 0.25);
    CHECK_NEAR(k.cross_entropy(s, 16, 5, 2), ft__log(sum) - 1.25, 1e-6);
    CHECK_NEAR(s[5], 2 * (ft__exp(1.25) / sum - 1), 1e-6);
    CHECK_NEAR(s[9], 2 * ft__exp(2.25) / sum, 1e-6);
}

/* ---- gradients */

enum { TOKENS = 61 };

typedef struct small {
    ft_allocator a;
    ft__arena arena;
    ft__pool *pool;
    train_layout layout;
    train_net *net;
    float *params, *gradient;
    int32_t tokens[TOKENS], targets[TOKENS];
    float weights[TOKENS];
    int first[4];
    train_batch batch;
} small;

/* Two layers, two query heads to a key head, three rows, some tokens without a target. */
static void small_open(small *s, int threads) {
    const train_shape shape = {2, 32, 4, 2, 32, 64, 40, 64, 10000, 1e-5f};
    ft_error err;
    memset(s, 0, sizeof *s);
    s->a = ft__allocator(NULL);
    ft__arena_init(&s->arena, &s->a);
    CHECK(train_layout_init(&s->layout, &shape, &s->arena));
    s->pool = ft__pool_create(threads, &s->a, &err);
    s->net = train_net_create(&s->layout, TOKENS, s->pool, &s->a, &err);
    CHECK(s->net != NULL);
    s->params = floats(s->layout.n_params, 11, 0.6);
    s->gradient = floats(s->layout.n_params, 0, 0);
    for (int i = 0; i < TOKENS; i++) {
        s->tokens[i] = (int32_t)(ft__random_unit(12, 0, 0, (uint32_t)i) * 64);
        s->targets[i] = i % 5 == 4 ? -1 : (int32_t)(ft__random_unit(13, 0, 0, (uint32_t)i) * 64);
        s->weights[i] = i % 5 == 4 ? 0 : i % 2 ? 0.01f : 0.03f;
    }
    s->first[1] = 23, s->first[2] = 24, s->first[3] = TOKENS;
    s->batch.n_tokens = TOKENS, s->batch.n_rows = 3;
    s->batch.tokens = s->tokens, s->batch.targets = s->targets;
    s->batch.weights = s->weights, s->batch.first = s->first;
}

static void small_close(small *s) {
    train_net_free(s->net);
    ft__pool_free(s->pool);
    ft__arena_free(&s->arena);
    free(s->params), free(s->gradient);
}

/* Loss at x + h * way, of n numbers from x. */
static double moved(double (*loss)(void *user), void *user, float *x, const double *way, size_t n, double h) {
    float *kept = (float *)malloc(n * sizeof *kept);
    memcpy(kept, x, n * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = (float)((double)x[i] + h * way[i]);
    double value = loss(user);
    memcpy(x, kept, n * sizeof *x);
    free(kept);
    return value;
}

/* The slope along a way of length 1 by five points, against the gradient g: once along the gradient itself, where
   the slope is its length, and along random ways.  The loss is a sum of float computations, good to some 1e-7:
   at h = 0.01 that leaves about 1e-5 of slope, and lengths here are 5e-3 and up. */
static void check_slopes(const char *name, double (*loss)(void *user), void *user, float *x, const float *g,
                         size_t n) {
    double *way = (double *)malloc(n * sizeof *way), length = 0;
    const double h = 0.01;
    for (size_t i = 0; i < n; i++) length += (double)g[i] * g[i];
    length = ft__sqrt(length);
    if (!CHECK(length > 5e-3)) test_note("%s: %.3g", name, length);
    for (int k = 0; k < 4; k++) {
        double norm = 0, expected = 0;
        for (size_t i = 0; i < n; i++) {
            double noise = ft__random_unit(99, (uint64_t)k, 0, (uint32_t)i) - 0.5;
            way[i] = k == 0 ? (double)g[i] : noise / ft__sqrt((double)n) * length * 2 + (double)g[i] * 0.5;
            norm += way[i] * way[i];
        }
        norm = ft__sqrt(norm);
        for (size_t i = 0; i < n; i++) way[i] /= norm, expected += way[i] * (double)g[i];
        double near = (moved(loss, user, x, way, n, h) - moved(loss, user, x, way, n, -h)) / (2 * h);
        double far = (moved(loss, user, x, way, n, 2 * h) - moved(loss, user, x, way, n, -2 * h)) / (4 * h);
        double slope = (4 * near - far) / 3; /* the error of order h^2 is gone */
        if (!CHECK_NEAR(slope, expected, 0.01 * length + 1e-5)) test_note("%s, way %d", name, k);
    }
    free(way);
}

static double small_loss(void *user) {
    small *s = (small *)user;
    return train_net_run(s->net, s->params, &s->batch, NULL);
}

static const char *tensor_name(int i) { return train_tensor_name((train_tensor)(i % TRAIN_TENSORS)); }

TEST(train, gradient_of_every_tensor_equals_finite_differences) {
    small s;
    small_open(&s, 2);
    train_net_run(s.net, s.params, &s.batch, s.gradient);
    for (int i = -2; i < 2 * TRAIN_TENSORS; i++) {
        const train_place p = i == -2 ? s.layout.embedding : i == -1 ? s.layout.output_norm : s.layout.layers[i];
        const char *name = i == -2 ? "embedding" : i == -1 ? "output_norm" : tensor_name(i);
        check_slopes(name, small_loss, &s, s.params + p.at, s.gradient + p.at, (size_t)p.n_rows * (size_t)p.n_cols);
    }
    small_close(&s);
}

TEST(train, rows_of_a_batch_do_not_see_each_other) {
    small s;
    small_open(&s, 1);
    const double all = train_net_run(s.net, s.params, &s.batch, NULL);
    double sum = 0;
    for (int i = 0; i < 3; i++) {
        int first[2] = {0, s.first[i + 1] - s.first[i]};
        train_batch b = {first[1], 1, s.tokens + s.first[i], s.targets + s.first[i], s.weights + s.first[i], first};
        sum += train_net_run(s.net, s.params, &b, NULL);
    }
    CHECK_NEAR(sum, all, 1e-12);
    small_close(&s);
}

typedef struct small_lora {
    small s;
    train_lora lora;
    float *factors, *merged;
} small_lora;

static double lora_loss(void *user) {
    small_lora *l = (small_lora *)user;
    train_lora_merge(&l->lora, l->s.params, l->factors, l->merged);
    return train_net_run(l->s.net, l->merged, &l->s.batch, NULL);
}

TEST(train, gradient_of_low_rank_factors_equals_finite_differences) {
    small_lora l;
    train_recipe r;
    ft_error err;
    memset(&r, 0, sizeof r);
    r.rank = 8, r.alpha = 16;
    small_open(&l.s, 2);
    CHECK_OK(train_lora_init(&l.lora, &l.s.layout, &r, l.s.pool, &l.s.arena, &err), err);
    const size_t n = l.lora.n_params;
    float *gradient = floats(n, 0, 0);
    l.factors = floats(n, 21, 0.1);
    l.merged = floats(l.s.layout.n_params, 0, 0);
    train_lora_merge(&l.lora, l.s.params, l.factors, l.merged);
    train_net_run(l.s.net, l.merged, &l.s.batch, l.s.gradient);
    train_lora_gradient(&l.lora, l.factors, l.s.gradient, gradient);
    for (int i = 0; i < 2 * TRAIN_TENSORS; i++) {
        const train_place p = l.s.layout.layers[i];
        if (l.lora.at[i] == SIZE_MAX) continue;
        const size_t at = l.lora.at[i], n_a = 8 * (size_t)p.n_cols;
        check_slopes(tensor_name(i), lora_loss, &l, l.factors + at, gradient + at, n_a);
        check_slopes("its b", lora_loss, &l, l.factors + at + n_a, gradient + at + n_a, 8 * (size_t)p.n_rows);
    }
    free(gradient), free(l.factors), free(l.merged);
    small_close(&l.s);
}

TEST(train, gradient_bits_do_not_depend_on_threads_or_instruction_set) {
    char first[65] = "", hex[65];
    for (size_t i = 0; i < FT__COUNT(isas); i++)
        for (int threads = 1; threads <= 3; threads++) {
            small s;
            if (!use_isa(isas[i])) continue;
            small_open(&s, threads);
            train_net_run(s.net, s.params, &s.batch, s.gradient);
            ft__sha256_hex(s.gradient, s.layout.n_params * sizeof(float), hex);
            if (!first[0]) memcpy(first, hex, sizeof hex);
            CHECK_TEXT(hex, first);
            small_close(&s);
        }
    unsetenv("FT_ISA");
}

/* ---- vocabulary */

static int32_t token_of(const train_bpe *b, const char *text) {
    for (int i = 0; i < b->n_tokens; i++)
        if (ft__text_equal(b->tokens[i].data, b->tokens[i].len, text, strlen(text))) return i;
    return -1;
}

TEST(train, vocabulary_learns_the_most_frequent_pairs) {
    static const char *const specials[] = {"<|end|>"};
    const char *text = "abab abab<|end|>cab 1212";
    ft__gguf_str texts[1] = {{text, strlen(text)}};
    ft__arena arena;
    train_bpe b;
    ft_error err;
    ft__arena_init(&arena, NULL);
    CHECK_OK(train_bpe_learn(&b, texts, 1, specials, 1, 288, &arena, &err), err);
    CHECK_INT(b.end, 0);
    CHECK_TEXT(b.merges[0], "a b");  /* five times */
    CHECK_TEXT(b.merges[1], "ab ab");
    CHECK_INT(b.n_merges, 2);        /* digits stand alone, the rest comes once */
    CHECK(token_of(&b, "abab") > 0);
    CHECK_INT(b.types[0], FT__TOKEN_CONTROL);
    CHECK_INT(b.types[token_of(&b, "ab")], FT__TOKEN_NORMAL);
    CHECK_INT(b.types[287], FT__TOKEN_UNUSED);
    CHECK_ERROR(train_bpe_learn(&b, texts, 1, specials, 1, 200, &arena, &err), FT_ERR_ARGUMENT, err, "vocab");
    ft__arena_free(&arena);
}

TEST(train, tokens_of_the_library_give_the_text_back) {
    static const char *const specials[] = {"<|end|>", "<|user|>"};
    const char *text = "<|user|>\nOrder 4711 of 20 euros, order 12.<|end|>";
    ft__gguf_str texts[1] = {{text, strlen(text)}};
    ft_allocator a = ft__allocator(NULL);
    ft__arena arena;
    train_bpe b;
    ft__vocab *v = NULL;
    ft_error err;
    int32_t ids[100];
    char back[200];
    size_t n, n_back;
    ft__arena_init(&arena, NULL);
    CHECK_OK(train_bpe_learn(&b, texts, 1, specials, 2, 320, &arena, &err), err);
    CHECK_OK(train_bpe_vocab(&b, &a, &v, &err), err);
    const unsigned flags = FT_TOKENIZE_PLAIN | FT_TOKENIZE_PARSE_SPECIAL;
    CHECK_OK(ft__vocab_tokenize(v, text, strlen(text), flags, ids, 100, &n, &err), err);
    CHECK_INT(ids[0], 1);
    CHECK_INT(ids[n - 1], 0);
    CHECK(ft__vocab_is_end(v, ids[n - 1]));
    CHECK(n < 40); /* "rder " is one token by now */
    CHECK_OK(ft__vocab_detokenize(v, ids + 1, n - 2, back, sizeof back, &n_back, &err), err);
    CHECK_INT(n_back, strlen(text) - 8 - 7);
    CHECK(memcmp(back, text + 8, n_back) == 0);
    ft__vocab_free(v);
    ft__arena_free(&arena);
}

/* ---- whole runs: a world of codes to be repeated */

static const char chat[] = "{%- for m in messages -%}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{%- endfor -%}"
                           "{%- if add_generation_prompt -%}<|assistant|>\n{% endif -%}";

#define BASE_KEYS                                                                                              \
    "\"data\": \"rows.jsonl\", \"valid\": \"valid.jsonl\", \"chat\": \"chat.jinja\","                            \
    "\"specials\": [\"<|end|>\", \"<|user|>\", \"<|assistant|>\"], \"vocab\": 288, \"ctx\": 64, \"layers\": 2,"    \
    "\"embd\": 64, \"heads\": 2, \"kv_heads\": 1, \"head_dim\": 32, \"ff\": 96,"                    \
    "\"batch\": 256, \"lr\": 0.01, \"warmup\": 3, \"decay\": 0.1, \"prompt_weight\": 0.2,"
static const char recipe[] =
    "{\"base\": {\"file\": \"base.gguf\", \"type\": \"Q8_0\", " BASE_KEYS "\"steps\": 12, \"valid_every\": 4},\n"
    "\"other\": {\"file\": \"base.gguf\", \"type\": \"Q8_0\", " BASE_KEYS "\"steps\": 12, \"valid_every\": 4, "
    "\"seed\": 2},\n"
    "\"float\": {\"file\": \"float.gguf\", \"type\": \"F32\", " BASE_KEYS "\"steps\": 30, \"valid_every\": 10},\n"
    "\"patient\": {\"file\": \"patient.gguf\", \"type\": \"F32\", " BASE_KEYS "\"steps\": 400, \"valid_every\": 1, "
    "\"patience\": 1, \"valid_rows\": 1},\n"
    "\"tune\": {\"file\": \"tune.gguf\", \"type\": \"F16\", \"base\": \"base.gguf\", \"peft\": \"tune-peft\",\n"
    "\"data\": \"rows.jsonl\", \"valid\": \"valid.jsonl\", \"rank\": 8, \"alpha\": 16, \"steps\": 6,\n"
    "\"batch\": 256, \"lr\": 0.01, \"valid_every\": 3},\n"
    "\"typo\": {\"fil\": \"x\"},\n"
    "\"odd\": {\"file\": \"x\", \"type\": \"Q8_0\", \"data\": \"rows.jsonl\", \"valid\": \"valid.jsonl\","
    "\"base\": \"b\", \"steps\": 1, \"batch\": 64, \"lr\": 0.1, \"valid_every\": 0}}";

static void write_rows(const char *path, int from, int n) {
    ft__buf b;
    ft__buf_init(&b, NULL);
    for (int i = from; i < from + n; i++)
        ft__buf_printf(&b, "{\"id\": \"r%d\", \"cohort\": \"%s\", \"messages\": [{\"role\": \"user\", \"content\": "
                           "\"Code %d please.\"}], \"expected\": \"The code is %d.\"}\n",
                       i, i % 2 ? "odd" : "even", i * 37 % 900 + 100, i * 37 % 900 + 100);
    test_write(path, b.data, b.len);
    ft__buf_free(&b);
}

/* A folder of its own for one test; a job in it. */
typedef struct world {
    char folder[256], recipe[300], out[300];
    train_job job;
    int stop_at;     /* step at which the run is interrupted, 0: none */
    train_progress last;
} world;

static const char *in_world(const world *w, const char *name) {
    static char path[4][512];
    static int turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", w->folder, name);
    return p;
}

static int watch(void *user, const train_progress *p) {
    world *w = (world *)user;
    w->last = *p;
    return w->stop_at && p->step >= w->stop_at;
}

static void world_open(world *w, const char *name) {
    memset(w, 0, sizeof *w);
    snprintf(w->folder, sizeof w->folder, "%s", test_path(name));
    mkdir(w->folder, 0777);
    snprintf(w->recipe, sizeof w->recipe, "%s/recipe.json", w->folder);
    snprintf(w->out, sizeof w->out, "%s/out", w->folder);
    test_write(w->recipe, recipe, sizeof recipe - 1);
    test_write(in_world(w, "chat.jinja"), chat, sizeof chat - 1);
    write_rows(in_world(w, "rows.jsonl"), 0, 60);
    write_rows(in_world(w, "valid.jsonl"), 700, 10);
    w->job.recipe = w->recipe;
    w->job.data_dir = w->folder;
    w->job.out_dir = w->out;
    w->job.threads = 1;
    w->job.user = w;
    w->job.progress = watch;
}

static ft_status run(world *w, const char *section, ft_error *err) {
    w->job.section = section;
    return train_job_run(&w->job, err);
}

static void digest_of(const char *path, char hex[65]) {
    size_t n = 0;
    char *data = test_read(path, &n);
    CHECK(data != NULL);
    ft__sha256_hex(data ? data : "", n, hex);
    free(data);
}

/* Both files' digests, of model and adapter. */
static void digests(const world *w, char hex[130]) {
    digest_of(in_world(w, "out/base.gguf"), hex);
    digest_of(in_world(w, "out/tune.gguf"), hex + 65);
}

TEST(train, runs_give_the_same_bytes_for_any_threads_and_instruction_set) {
    char first[130] = "", hex[130];
    char name[32];
    ft_error err;
    for (size_t i = 0; i < FT__COUNT(isas); i++)
        for (int threads = 1; threads <= 3; threads++) {
            world w;
            if (!use_isa(isas[i]) || (i < 2 && threads != (int)i + 1)) continue; /* all are tested above */
            snprintf(name, sizeof name, "train_%s_%d", isas[i], threads);
            world_open(&w, name);
            w.job.threads = threads;
            CHECK_OK(run(&w, "base", &err), err);
            CHECK_OK(run(&w, "tune", &err), err);
            CHECK_INT(w.last.step, 6);
            digests(&w, hex);
            if (!first[0]) memcpy(first, hex, sizeof hex);
            CHECK(memcmp(hex, first, sizeof hex) == 0);
            CHECK(access(in_world(&w, "out/base.gguf.checkpoint"), F_OK) != 0); /* not needed any more */
        }
    unsetenv("FT_ISA");
}

TEST(train, interrupted_runs_go_on_to_the_same_bytes_and_log) {
    char hex[2][130], *logs[2];
    ft_error err;
    for (int i = 0; i < 2; i++) {
        static const int stops[] = {1, 6, 11, 12};
        size_t n;
        world w;
        world_open(&w, i ? "train_stopped" : "train_whole");
        for (size_t k = 0; k < FT__COUNT(stops) && i; k++) {
            w.stop_at = stops[k];
            CHECK_ERROR(run(&w, "base", &err), FT_ERR_CANCELLED, err, "goes on from the checkpoint");
            CHECK(access(in_world(&w, "out/base.gguf"), F_OK) != 0);
        }
        w.stop_at = 0;
        CHECK_OK(run(&w, "base", &err), err);
        w.stop_at = i ? 5 : 0;
        ft_status status = run(&w, "tune", &err);
        if (i) CHECK_ERROR(status, FT_ERR_CANCELLED, err, "tune.gguf");
        w.stop_at = 0;
        if (i) status = run(&w, "tune", &err);
        CHECK_OK(status, err);
        digests(&w, hex[i]);
        logs[i] = test_read(in_world(&w, "out/base.gguf.log"), &n);
        CHECK(logs[i] && strstr(logs[i], "\"step\":12,") != NULL);
    }
    CHECK(memcmp(hex[0], hex[1], sizeof hex[0]) == 0);
    CHECK_TEXT(logs[0], logs[1]);
    free(logs[0]), free(logs[1]);
}

TEST(train, wrong_checkpoints_are_refused) {
    world w;
    ft_error err;
    size_t n;
    world_open(&w, "train_checkpoints");
    const char *path = in_world(&w, "out/base.gguf.checkpoint");
    char file[512];
    snprintf(file, sizeof file, "%s", path);
    w.stop_at = 5;
    CHECK_ERROR(run(&w, "base", &err), FT_ERR_CANCELLED, err, NULL);
    char *data = test_read(file, &n);
    CHECK(data && n > 1000);
    CHECK_ERROR(run(&w, "other", &err), FT_ERR_MISMATCH, err, "another recipe");
    static const size_t cuts[] = {0, 10, 60, 1000};
    for (size_t i = 0; i < FT__COUNT(cuts) + 1; i++) {
        test_write(file, data, i < FT__COUNT(cuts) ? cuts[i] : n - 1);
        CHECK_ERROR(run(&w, "base", &err), FT_ERR_FORMAT, err, "base.gguf.checkpoint");
    }
    data[n / 2] ^= 1;
    test_write(file, data, n);
    CHECK_ERROR(run(&w, "base", &err), FT_ERR_FORMAT, err, "checksum");
    data[n / 2] ^= 1;
    test_write(file, data, n);
    write_rows(in_world(&w, "rows.jsonl"), 1, 60);
    CHECK_ERROR(run(&w, "base", &err), FT_ERR_MISMATCH, err, "other rows");
    write_rows(in_world(&w, "rows.jsonl"), 0, 60);
    w.stop_at = 0;
    CHECK_OK(run(&w, "base", &err), err);
    free(data);
}

TEST(train, full_disk_and_unwritable_folder_are_errors) {
    world w;
    ft_error err;
    world_open(&w, "train_full");
    w.job.out_dir = w.recipe; /* a file */
    CHECK_ERROR(run(&w, "base", &err), FT_ERR_IO, err, "recipe.json");
    w.job.out_dir = w.out;
    if (access("/dev/full", W_OK) != 0) SKIP("no /dev/full");
    mkdir(w.out, 0777);
    CHECK_INT(symlink("/dev/full", in_world(&w, "out/base.gguf.checkpoint.partial")), 0);
    CHECK_ERROR(run(&w, "base", &err), FT_ERR_IO, err, "base.gguf.checkpoint");
    CHECK_INT(w.last.step, 0); /* before anything was computed */
    CHECK_OK(run(&w, "base", &err), err);
    CHECK_INT(symlink("/dev/full", in_world(&w, "out/tune.gguf.partial")), 0);
    CHECK_ERROR(run(&w, "tune", &err), FT_ERR_IO, err, "tune.gguf");
    CHECK(access(in_world(&w, "out/tune.gguf"), F_OK) != 0);
    const int steps = w.last.step;
    w.last.step = 0;
    CHECK_OK(run(&w, "tune", &err), err); /* the checkpoint is still there: nothing is trained again */
    CHECK_INT(steps, 6);
    CHECK_INT(w.last.step, 0);
}

TEST(train, stops_early_and_keeps_the_best) {
    world w;
    ft_error err;
    size_t n;
    world_open(&w, "train_patient");
    CHECK_OK(run(&w, "patient", &err), err);
    CHECK(w.last.step > 2 && w.last.step < 400);
    char *log = test_read(in_world(&w, "out/patient.gguf.log"), &n);
    CHECK(log != NULL);
    free(log);
}

TEST(train, wrong_recipes_and_rows_are_named) {
    static const struct { const char *section, *needle; ft_status status; } cases[] = {
        {"typo", "\"typo\" has no \"steps\"", FT_ERR_DATA},
        {"odd", "\"valid_every\" must be a whole number", FT_ERR_DATA},
        {"none", "no section \"none\"", FT_ERR_DATA},
        {"tune", "base.gguf", FT_ERR_NOT_FOUND},
    };
    world w;
    ft_error err;
    world_open(&w, "train_wrong");
    for (size_t i = 0; i < FT__COUNT(cases); i++)
        CHECK_ERROR(run(&w, cases[i].section, &err), cases[i].status, err, cases[i].needle);
    test_write(w.recipe, "{\"x\": {\"steps\": 1, \"batch\": 64, \"lr\": 1, \"valid_every\": 1, \"rnak\": 8}}", 70);
    CHECK_ERROR(run(&w, "x", &err), FT_ERR_DATA, err, "\"rank\"");
    test_write(w.recipe, recipe, sizeof recipe - 1);
    test_write(in_world(&w, "rows.jsonl"), "{\"messages\": []}\n", 17);
    CHECK_ERROR(run(&w, "base", &err), FT_ERR_DATA, err, "rows.jsonl:1");
    test_write(in_world(&w, "rows.jsonl"), "\n", 1);
    CHECK_ERROR(run(&w, "base", &err), FT_ERR_DATA, err, "no rows");
    char row[700] = "{\"messages\": [{\"role\": \"user\", \"content\": \"";
    size_t at = strlen(row);
    for (int i = 0; i < 100; i++, at += 2) memcpy(row + at, "1 ", 2);
    strcpy(row + at, "\"}], \"expected\": \"x\"}\n");
    test_write(in_world(&w, "rows.jsonl"), row, strlen(row));
    CHECK_ERROR(run(&w, "base", &err), FT_ERR_DATA, err, "the context has 64");
}

/* The n-th request for memory fails, for some n: an error each time, nothing lost, nothing written. */
TEST(train, want_of_memory_is_an_error) {
    world w;
    ft_error err;
    int n_failed = 0;
    world_open(&w, "train_memory");
    write_rows(in_world(&w, "rows.jsonl"), 0, 8);
    for (long n = 1; n < 100000; n += 1 + n / 6) {
        test_memory memory = {0, 0, n};
        w.job.allocator = test_allocator(&memory);
        ft_status status = run(&w, "base", &err);
        CHECK_INT(memory.live, 0);
        if (status == FT_OK) break;
        CHECK_ERROR(status, FT_ERR_MEMORY, err, NULL);
        unlink(in_world(&w, "out/base.gguf.checkpoint"));
        n_failed++;
    }
    CHECK(n_failed > 10);
    CHECK(access(in_world(&w, "out/base.gguf"), F_OK) == 0);
}

/* The command's exit codes. */
TEST(train, command_says_what_is_wrong) {
    const char *build = getenv("FT_BUILD");
    char command[1200], *out;
    world w;
    world_open(&w, "train_command");
    snprintf(command, sizeof command, "%s/train", build ? build : "build");
    if (access(command, X_OK) != 0) SKIP("build/train is not built");
    const char *program = build ? build : "build";
    snprintf(command, sizeof command, "%s/train %s base --data %s --out %s --threads 2", program, w.recipe,
             w.folder, w.out);
    CHECK_INT(test_run(command, &out), 0);
    CHECK(strstr(out, "step 12/12  loss ") && strstr(out, "tokens/s"));
    free(out);
    snprintf(command, sizeof command, "%s/train svg %s/base.gguf.log -o %s/loss.svg", program, w.out, w.out);
    CHECK_INT(test_run(command, NULL), 0);
    snprintf(command, sizeof command, "%s/train svg %s/base.gguf.log -o %s/no/loss.svg", program, w.out, w.recipe);
    CHECK_INT(test_run(command, NULL), 4);
    snprintf(command, sizeof command, "%s/train %s base --data %s --out %s/x", program, w.recipe, w.folder,
             w.recipe);
    CHECK_INT(test_run(command, NULL), 4);
    snprintf(command, sizeof command, "%s/train %s base --data %s", program, w.recipe, w.folder);
    CHECK_INT(test_run(command, &out), 3);
    CHECK(strstr(out, "usage: train") != NULL);
    free(out);
}

/* ---- what comes out, seen by the library */

static ft_session *session_of(const char *path, ft_model **model) {
    ft_session_desc desc;
    ft_error err;
    memset(&desc, 0, sizeof desc);
    desc.threads = 1;
    desc.kv = FT_KV_F32;
    *model = ft_model_load(path, NULL, &err);
    if (!CHECK(*model != NULL)) test_note("%s: %s", err.where, err.message);
    return *model ? ft_session_create(*model, &desc, &err) : NULL;
}

/* Largest difference of the library's logits after every token and the trainer's. */
static double logits_differ(const char *path, const int32_t *tokens, int n) {
    ft_allocator a = ft__allocator(NULL);
    ft_error err;
    ft__arena arena;
    train_model m;
    ft_model *model;
    ft_session *session = session_of(path, &model);
    int sequence, first[2] = {0, n};
    double most = 0;
    ft__arena_init(&arena, &a);
    CHECK_OK(train_model_read(&m, path, &arena, &err), err);
    ft__pool *pool = ft__pool_create(1, &a, &err);
    train_net *net = train_net_create(&m.layout, n, pool, &a, &err);
    const int V = m.layout.shape.n_vocab;
    float *weights = floats((size_t)n, 0, 0), *theirs = floats((size_t)n * (size_t)V, 0, 0);
    train_batch b = {n, 1, tokens, tokens, weights, first}; /* each has a target, whatever it is */
    const float *ours = train_net_logits(net, m.params, &b);
    CHECK_OK(ft_session_open(session, 0, &sequence, &err), err);
    ft_feed feed = {sequence, tokens, n, NULL, theirs};
    CHECK_OK(ft_session_decode(session, &feed, 1, &err), err);
    for (int i = 0; i < n * V; i++) {
        double d = (double)ours[i] - (double)theirs[i];
        d = d < 0 ? -d : d;
        most = d > most || d != d ? d : most;
    }
    free(weights), free(theirs);
    train_net_free(net);
    ft__pool_free(pool);
    train_model_close(&m);
    ft__arena_free(&arena);
    ft_session_free(session);
    ft_model_free(model);
    return most;
}

TEST(train, library_computes_what_the_trainer_did) {
    int32_t tokens[50];
    world w;
    ft_error err;
    world_open(&w, "train_logits");
    for (int i = 0; i < 50; i++) tokens[i] = (int32_t)(ft__random_unit(31, 0, 0, (uint32_t)i) * 260);
    CHECK_OK(run(&w, "float", &err), err);
    double most = logits_differ(in_world(&w, "out/float.gguf"), tokens, 50);
    test_note("logits differ by at most %.2g", most);
    CHECK(most < 1e-4);
}

/* The trained model answers rows that it has not seen; its tokenizer and template are in the file. */
TEST(train, trained_model_and_adapter_run_in_the_library) {
    world w;
    ft_error err;
    ft_model *model;
    world_open(&w, "train_library");
    CHECK_OK(run(&w, "base", &err), err);
    CHECK_OK(run(&w, "tune", &err), err);
    ft_session *session = session_of(in_world(&w, "out/base.gguf"), &model);
    size_t n = 0;
    const char *template_text = ft_model_chat_template(model, &n);
    CHECK(template_text && n == sizeof chat - 1 && memcmp(template_text, chat, n) == 0);
    const char *spec = in_world(&w, "out/tune.gguf");
    int variant;
    CHECK_OK(ft_session_load_variant(session, &spec, 1, &variant, &err), err);
    ft_request requests[2];
    ft_completion out[2];
    memset(requests, 0, sizeof requests);
    for (int i = 0; i < 2; i++) {
        requests[i].variant = i ? variant : 0;
        requests[i].text = "<|user|>\nCode 123 please.<|end|><|assistant|>\n";
        requests[i].text_len = strlen(requests[i].text);
        requests[i].flags = FT_TOKENIZE_PLAIN | FT_TOKENIZE_PARSE_SPECIAL;
        requests[i].max_tokens = 16;
        requests[i].want_logprobs = true;
    }
    CHECK_OK(ft_session_generate(session, requests, 2, out, NULL, &err), err);
    CHECK(out[0].logprobs[0] != out[1].logprobs[0]); /* the adapter acts */
    ft_completions_free(session, out, 2);
    ft_session_free(session);
    ft_model_free(model);
}

/* Rows of queries and keys are in another order there; all else is the same, to the bit. */
TEST(train, peft_folder_holds_the_same_adapter) {
    world w;
    ft_error err;
    ft__gguf g;
    ft__safetensors st;
    static const char *const pairs[][2] = {{"attn_q", "self_attn.q_proj"}, {"attn_k", "self_attn.k_proj"},
                                           {"attn_v", "self_attn.v_proj"}, {"ffn_down", "mlp.down_proj"}};
    world_open(&w, "train_peft");
    CHECK_OK(run(&w, "base", &err), err);
    CHECK_OK(run(&w, "tune", &err), err);
    CHECK_OK(ft__gguf_open(&g, in_world(&w, "out/tune.gguf"), NULL, &err), err);
    CHECK_OK(ft__safetensors_open(&st, in_world(&w, "out/tune-peft/adapter_model.safetensors"), NULL, &err), err);
    CHECK_INT(g.n_tensors, 28);
    CHECK_INT(st.n_tensors, 28);
    for (size_t i = 0; i < FT__COUNT(pairs); i++)
        for (int b = 0; b < 2; b++) {
            char ours[128], theirs[128];
            snprintf(ours, sizeof ours, "blk.1.%s.weight.lora_%c", pairs[i][0], "ab"[b]);
            snprintf(theirs, sizeof theirs, "base_model.model.model.layers.1.%s.lora_%c.weight", pairs[i][1],
                     "AB"[b]);
            const ft__gguf_tensor *x = ft__gguf_find(&g, ours);
            const ft__st_tensor *y = ft__safetensors_find(&st, theirs);
            if (!CHECK(x && y)) continue;
            CHECK_INT(y->shape[0], x->ne[1]);
            CHECK_INT(y->shape[1], x->ne[0]);
            CHECK_INT(y->size, x->size);
            const size_t row_bytes = (size_t)x->ne[0] * 2;
            for (size_t r = 0; r < (size_t)x->ne[1]; r++) {
                /* Hugging Face's row of GGUF's: even ones of a head to its first half */
                size_t in = r % 32, to = b && i < 2 ? r - in + in / 2 + in % 2 * 16 : r;
                CHECK(memcmp(x->data + r * row_bytes, y->data + to * row_bytes, row_bytes) == 0);
            }
        }
    ft__safetensors_close(&st);
    ft__gguf_close(&g);
    size_t n;
    char *config = test_read(in_world(&w, "out/tune-peft/adapter_config.json"), &n);
    CHECK(config && strstr(config, "\"lora_alpha\": 16") && strstr(config, "\"r\": 8"));
    CHECK(config && strstr(config, "\"q_proj\""));
    free(config);
}

TEST(train, loss_curves_are_drawn) {
    static const char log[] = "{\"step\":0,\"lr\":0.1,\"valid\":5.5}\n"
                              "{\"step\":50,\"lr\":0.1,\"train\":3.5,\"valid\":2.25}\n";
    ft_error err;
    size_t n;
    const char *path = test_path("a&b.log"), *out = test_path("loss.svg"), *wrong = test_path("wrong.log");
    const char *both[2] = {path, path};
    test_write(path, log, sizeof log - 1);
    CHECK_OK(train_svg_write(both, 2, out, &err), err);
    char *svg = test_read(out, &n);
    CHECK(svg && strncmp(svg, "<svg ", 5) == 0 && strstr(svg, "</svg>\n"));
    CHECK(svg && strstr(svg, "a&amp;b.log") && strstr(svg, "height=\"600\""));
    CHECK(svg && strstr(svg, "704,") && strstr(svg, ">validation</text>")); /* step 50 at the right end */
    free(svg);
    test_write(wrong, "{\"valid\": 3}\n", 13);
    CHECK_ERROR(train_svg_write(&wrong, 1, out, &err), FT_ERR_DATA, err, "wrong.log:1");
    test_write(wrong, log, (size_t)(strchr(log, '\n') - log));
    CHECK_ERROR(train_svg_write(&wrong, 1, out, &err), FT_ERR_DATA, err, "no steps yet");
}
