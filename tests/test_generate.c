/* Sampling against a naive sort, and generation against itself, one token at a time. */
#include "test.h"
#include "gguf_edit.h"
#include "tiny.h"
#include "../src/run/run.h"

/* ---- sampling */

static uint64_t random_state;

static uint32_t next_random(void) {
    uint64_t z = random_state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    return (uint32_t)((z ^ z >> 27) >> 16);
}

enum { VOCAB = 300 };
static float logits[VOCAB], scratch[VOCAB];

/* Logits of -6 to 2 in steps of 1/8: many ties. */
static void fill_logits(int n) {
    for (int i = 0; i < n; i++) logits[i] = (float)((int)(next_random() % 64) - 48) * 0.125f;
    if (n > 2 && next_random() % 4 == 0) logits[n / 2] = ft__float_of(0xFF800000u); /* a banned token */
}

static int greedy_of(int n) {
    int best = 0;
    for (int i = 1; i < n; i++)
        if (logits[i] > logits[best]) best = i;
    return best;
}

static const float *sorting;

static int by_logit(const void *a, const void *b) { /* the best first, the lower id on ties */
    int i = *(const int *)a, j = *(const int *)b;
    if (sorting[i] != sorting[j]) return sorting[i] > sorting[j] ? -1 : 1;
    return i - j;
}

/* The candidates that the filters keep, by sorting; how many. */
static int naive_set(int n, const ft_sampling *how, bool kept[VOCAB]) {
    int order[VOCAB], n_kept = n;
    double p[VOCAB], total = 0, sum = 0, best = (double)ft__expf(0);
    for (int i = 0; i < n; i++) order[i] = i, kept[i] = false;
    sorting = logits;
    qsort(order, (size_t)n, sizeof *order, by_logit);
    for (int i = 0; i < n; i++) p[i] = (double)ft__expf(logits[order[i]] - logits[order[0]]);
    if (how->top_k > 0 && how->top_k < n_kept) n_kept = how->top_k;
    for (int i = 0; i < n_kept; i++) total += p[i];
    if (how->top_p > 0 && how->top_p < 1) {
        int i = 0;
        while (i < n_kept && sum < (double)how->top_p * total) sum += p[i++];
        n_kept = i;
    }
    while (n_kept > 0 && p[n_kept - 1] < (double)how->min_p * best) n_kept--;
    for (int i = 0; i < n_kept; i++) kept[order[i]] = true;
    return n_kept;
}

TEST(sampler, greedy_takes_the_lowest_id) {
    ft_sampling how = {0, 3, 0.5f, 0.1f, 9};
    float zeros[3] = {-0.0f, 0.0f, -0.0f};
    random_state = 1;
    for (int round = 0; round < 200; round++) {
        int n = 1 + (int)(next_random() % VOCAB);
        fill_logits(n);
        CHECK_INT(ft_sample(logits, n, NULL, NULL, NULL), greedy_of(n));
        CHECK_INT(ft_sample(logits, n, &how, NULL, NULL), greedy_of(n));
    }
    CHECK_INT(ft_sample(zeros, 3, NULL, NULL, NULL), 0);
    CHECK_INT(ft_sample(logits, 0, NULL, NULL, NULL), -1);
    CHECK_INT(ft_sample(logits, -5, NULL, NULL, NULL), -1);
}

/* At a high temperature the set is all that counts: what is drawn is in it, and all of it is drawn. */
static void check_set(int n, const ft_sampling *how, int n_draws) {
    bool kept[VOCAB], drawn[VOCAB] = {false};
    int n_kept = naive_set(n, how, kept), n_drawn = 0;
    for (uint64_t i = 0; i < (uint64_t)n_draws; i++) {
        ft_draw draw = {i, 7, 3};
        int token = ft_sample(logits, n, how, &draw, scratch);
        if (!CHECK(token >= 0 && token < n && kept[token])) {
            test_note("drew %d; n %d, top_k %d, top_p %g, min_p %g", token, n, how->top_k, (double)how->top_p,
                      (double)how->min_p);
            return;
        }
        if (!drawn[token]) n_drawn++, drawn[token] = true;
    }
    if (n_draws >= 25 * n_kept) CHECK_INT(n_drawn, n_kept);
    for (int i = 0; i < n; i++) /* the scratch holds what each weighs: 0 for those that are out */
        if (!CHECK((scratch[i] > 0) == kept[i])) return;
}

TEST(sampler, filters_keep_the_right_sets) {
    random_state = 2;
    for (int round = 0; round < 600; round++) {
        static const float ps[] = {0, 0.05f, 0.3f, 0.5f, 0.9f, 0.99f, 1};
        int n = 1 + (int)(next_random() % (round % 3 ? 12 : VOCAB));
        ft_sampling how = {1e6f, 0, 0, 0, (uint64_t)round};
        if (round & 1) how.top_k = 1 + (int)(next_random() % (uint32_t)(n + 2));
        if (round & 2) how.top_p = ps[next_random() % 7];
        if (round & 4) how.min_p = ps[next_random() % 7];
        fill_logits(n);
        if (n > 1 && logits[n / 2] < -1e30f) logits[n / 2] = -6; /* at this temperature it would come back as 0 */
        check_set(n, &how, n < 13 ? 300 : 3);
    }
}

/* Exactly at the border: three of four equal ones weigh 3/4 and no more are needed. */
TEST(sampler, borders_and_ties) {
    static const struct { int top_k; float top_p, min_p; int last; } cases[] = {
        {3, 0, 0, 2}, {4, 0, 0, 3}, {9, 0, 0, 3}, {0, 0.75f, 0, 2},    {0, 0.5f, 0, 1},
        {0, 0.76f, 0, 3}, {0, 1e-9f, 0, 0}, {2, 0.5f, 0, 0}, {3, 0.9f, 0, 2}, {0, 0, 1, 3}};
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        ft_sampling how = {1, cases[i].top_k, cases[i].top_p, cases[i].min_p, 1};
        for (int k = 0; k < 4; k++) logits[k] = k % 2 ? 0.0f : -0.0f; /* both zeros are one number */
        check_set(4, &how, 200);
        for (int k = 0; k < 4; k++) CHECK((scratch[k] > 0) == (k <= cases[i].last));
    }
}

/* Whatever the settings, there is an answer, and not a token that nobody wanted. */
TEST(sampler, settings_that_leave_nothing) {
    static const float odd[] = {2, 1e30f, -1, 1e-45f, 1e-38f};
    ft_draw draw = {1, 2, 3};
    for (int i = 0; i < 10; i++) logits[i] = i == 6 ? 3.0f : (float)i * 0.1f;
    for (size_t i = 0; i < FT__COUNT(odd); i++) {
        ft_sampling min_p = {1, 0, 0, odd[i], 1}, cold = {odd[i], 0, 0, 0, 1};
        if (odd[i] > 1) CHECK_INT(ft_sample(logits, 10, &min_p, &draw, scratch), 6);
        if (odd[i] < 1) CHECK_INT(ft_sample(logits, 10, &cold, &draw, scratch), 6);
    }
    for (int i = 0; i < 10; i++) logits[i] = ft__float_of(0xFF800000u);
    logits[4] = -1e30f;
    ft_sampling usual = {0.8f, 40, 0.95f, 0.05f, 1};
    CHECK_INT(ft_sample(logits, 10, &usual, &draw, scratch), 4);
}

TEST(sampler, frequencies_follow_the_probabilities) {
    static const float temperatures[] = {0.5f, 1, 2};
    enum { KINDS = 8, DRAWS = 20000 };
    random_state = 3;
    for (size_t t = 0; t < FT__COUNT(temperatures); t++) {
        int count[KINDS] = {0};
        double p[KINDS], sum = 0, chi_square = 0;
        ft_sampling how = {temperatures[t], 0, 0, 0, 42 + t};
        for (int i = 0; i < KINDS; i++) {
            logits[i] = (float)(next_random() % 1000) * 0.002f;
            sum += p[i] = ft__exp((double)logits[i] / (double)how.temperature);
        }
        for (uint32_t i = 0; i < DRAWS; i++) { /* over rows, then over positions */
            ft_draw draw = {i < DRAWS / 2 ? i : 5, 1, i < DRAWS / 2 ? 9 : i};
            count[ft_sample(logits, KINDS, &how, &draw, scratch)]++;
        }
        for (int i = 0; i < KINDS; i++) {
            double expected = DRAWS * p[i] / sum, off = count[i] - expected;
            chi_square += off * off / expected;
        }
        test_note("temperature %.1f: chi-square %.1f with 7 degrees of freedom", (double)how.temperature, chi_square);
        CHECK(chi_square < 24.3); /* 99.9 % are below */
    }
}

TEST(sampler, a_draw_depends_on_its_key_alone) {
    ft_sampling how = {1, 0, 0.99f, 0, 5}, other_seed = {1, 0, 0.99f, 0, 6};
    int changed[4] = {0};
    random_state = 4;
    fill_logits(VOCAB);
    for (uint32_t i = 0; i < 100; i++) {
        ft_draw draw = {i, 3, 17}, row = {i + 1000, 3, 17}, variant = {i, 4, 17}, position = {i, 3, 18};
        memset(scratch, (int)(i * 7), sizeof scratch);
        int token = ft_sample(logits, VOCAB, &how, &draw, scratch);
        CHECK_INT(ft_sample(logits, VOCAB, &how, &draw, scratch), token);
        changed[0] += ft_sample(logits, VOCAB, &how, &row, scratch) != token;
        changed[1] += ft_sample(logits, VOCAB, &how, &variant, scratch) != token;
        changed[2] += ft_sample(logits, VOCAB, &how, &position, scratch) != token;
        changed[3] += ft_sample(logits, VOCAB, &other_seed, &draw, scratch) != token;
    }
    for (int i = 0; i < 4; i++) CHECK(changed[i] > 60);
}

/* ---- generation */

enum { N_CTX = 200 };
static ft_model *model;
static ft_session *session;
static char base_path[512];

static bool begin_at(const char *path, int max_sequences, const ft_allocator *a) {
    ft_error err;
    ft_model_desc desc;
    ft_session_desc with = {1, N_CTX, FT_KV_F16, 64, max_sequences, 0, false};
    memset(&desc, 0, sizeof desc);
    if (a) desc.allocator = *a;
    model = ft_model_load(path, &desc, &err);
    session = model ? ft_session_create(model, &with, &err) : NULL;
    return CHECK_OK(session ? FT_OK : err.code, err);
}

static bool begin(int max_sequences) {
    snprintf(base_path, sizeof base_path, "%s", test_path("base.gguf"));
    tiny_write_model(base_path, NULL);
    return begin_at(base_path, max_sequences, NULL);
}

static void end(void) {
    ft_session_free(session);
    ft_model_free(model);
}

/* A model that says its lines by heart: after token steps[i] comes steps[i + 1]; a -1 begins another line, a
   -2 ends them.  Embeddings are random signs, the layer adds nothing, and a token's output row is the sum of
   the embeddings of those before it. */
static void write_script(const char *path, const int *steps) {
    enum { D = 64 };
    const int n_vocab = tiny_vocab_size();
    float *rows = (float *)calloc((size_t)n_vocab * D, sizeof(float));
    float *out = (float *)calloc((size_t)n_vocab * D, sizeof(float)), ones[D];
    tiny_model options;
    edit e;
    memset(&options, 0, sizeof options);
    options.n_layers = 1;
    tiny_write_model(test_path("unscripted.gguf"), &options);
    random_state = 99;
    for (int i = 0; i < n_vocab * D; i++) rows[i] = next_random() & 1 ? 1.0f : -1.0f;
    for (int i = 0; i < D; i++) ones[i] = 1;
    for (; *steps != -2; steps++)
        if (steps[0] >= 0 && steps[1] >= 0)
            for (int d = 0; d < D; d++) out[steps[1] * D + d] += rows[steps[0] * D + d];
    edit_begin(&e, test_path("unscripted.gguf"));
    edit_tensor(&e, "token_embd.weight", FT__FORMAT_F32, D, n_vocab, rows);
    edit_tensor(&e, "output.weight", FT__FORMAT_F32, D, n_vocab, out);
    edit_tensor(&e, "output_norm.weight", FT__FORMAT_F32, D, 1, ones);
    edit_tensor(&e, "blk.0.attn_output.weight", FT__FORMAT_F32, D, D, NULL);
    edit_tensor(&e, "blk.0.ffn_down.weight", FT__FORMAT_F32, 128, D, NULL);
    edit_save(&e, path);
    free(rows);
    free(out);
}

static int byte_token(int byte) { return 3 + byte; }

static int piece_token(const char *spelling) {
    for (int id = 259; id < tiny_vocab_size(); id++)
        if (strcmp(tiny_token(id), spelling) == 0) return id;
    CHECK_TEXT("no such piece", spelling);
    return 0;
}

/* What the callbacks were told. */
typedef struct listener {
    ft__buf text[16];
    int n_text[16], n_done[16], calls, stop_at;
    bool ends[4096]; /* request 0: what was shown ended here */
} listener;

static int on_text(void *user, int request, const char *bytes, size_t n) {
    listener *l = (listener *)user;
    if (++l->calls == l->stop_at) return 1;
    if (!CHECK(request >= 0 && request < 16 && n > 0)) return 1;
    ft__buf_add(&l->text[request], bytes, n);
    if (request == 0) l->ends[l->text[0].len % 4096] = true;
    l->n_text[request]++;
    return 0;
}

static int on_done(void *user, int request) {
    listener *l = (listener *)user;
    if (++l->calls == l->stop_at) return 1;
    l->n_done[request]++;
    return 0;
}

static void listen(listener *l, ft_generate_hooks *hooks, int stop_at) {
    memset(l, 0, sizeof *l);
    for (int i = 0; i < 16; i++) ft__buf_init(&l->text[i], NULL);
    l->stop_at = stop_at;
    hooks->user = l;
    hooks->text = on_text;
    hooks->done = on_done;
}

static void forget(listener *l) {
    for (int i = 0; i < 16; i++) ft__buf_free(&l->text[i]);
}

/* True if the text was never cut within a character. */
static bool whole_characters(const listener *l) {
    const char *start = l->text[0].data, *p = start, *text_end = p + l->text[0].len;
    while (p < text_end) {
        const char *before = p;
        ft__utf8_next(&p, text_end);
        for (const char *inside = before + 1; inside < p; inside++)
            if (l->ends[(inside - start) % 4096]) return false;
    }
    return true;
}

static ft_request request_of(const char *text, int max_tokens) {
    ft_request r;
    memset(&r, 0, sizeof r);
    r.text = text;
    r.text_len = strlen(text);
    r.max_tokens = max_tokens;
    return r;
}

/* One request; the completion and what the callback heard must agree. */
static ft_completion generate(const ft_request *r) {
    ft_error err;
    ft_completion c;
    listener l;
    ft_generate_hooks hooks;
    memset(&c, 0, sizeof c);
    listen(&l, &hooks, 0);
    if (CHECK_OK(ft_session_generate(session, r, 1, &c, &hooks, &err), err)) {
        CHECK_INT(l.n_done[0], 1);
        CHECK(ft__text_equal(c.text, c.text_len, l.text[0].data, l.text[0].len));
        CHECK_INT(c.text[c.text_len], 0);
        CHECK(whole_characters(&l));
    }
    forget(&l);
    return c;
}

static bool same_completion(const ft_completion *a, const ft_completion *b) {
    return a->n_tokens == b->n_tokens && a->finish == b->finish &&
           memcmp(a->tokens, b->tokens, (size_t)a->n_tokens * sizeof *a->tokens) == 0 &&
           ft__text_equal(a->text, a->text_len, b->text, b->text_len);
}

/* What ft_session_write_text writes. */
typedef struct written {
    char text[64];
    bool refuse;
} written;

static int take_written(void *user, const char *bytes, size_t n) {
    written *w = (written *)user;
    strncat(w->text, bytes, n);
    return w->refuse;
}

TEST(generate, by_heart) {
    int prompt = piece_token("x"), steps[16], n = 0;
    static const char *const line[] = {"\xe2\x96\x81hello", "\xe2\x96\x81world", "!"};
    steps[n++] = prompt;
    for (size_t i = 0; i < 3; i++) steps[n++] = piece_token(line[i]);
    steps[n++] = 2; /* </s> */
    steps[n++] = -1;
    steps[n++] = piece_token("y");
    steps[n++] = 2;
    steps[n] = -2;
    write_script(test_path("script.gguf"), steps);
    if (!begin_at(test_path("script.gguf"), 0, NULL)) return;
    int32_t start = prompt;
    ft_request r = request_of("", 50);
    r.text = NULL, r.prompt = &start, r.n_prompt = 1;
    ft_completion c = generate(&r);
    CHECK_TEXT(c.text, " hello world!");
    CHECK_INT(c.finish, FT_FINISH_END);
    CHECK_INT(c.n_tokens, 3); /* without the end token */
    ft_completions_free(session, &c, 1);
    written out = {"", 0};
    ft_error err;
    CHECK_OK(ft_session_write_text(session, &r, take_written, &out, &err), err);
    CHECK_TEXT(out.text, " hello world!\n");
    out.refuse = true;
    CHECK_ERROR(ft_session_write_text(session, &r, take_written, &out, &err), FT_ERR_CANCELLED, err, NULL);
    r.max_tokens = 2;
    c = generate(&r);
    CHECK_TEXT(c.text, " hello world");
    CHECK_INT(c.finish, FT_FINISH_LENGTH);
    ft_completions_free(session, &c, 1);
    start = piece_token("y"); /* ends at once */
    c = generate(&r);
    CHECK_TEXT(c.text, "");
    CHECK_INT(c.finish, FT_FINISH_END);
    CHECK(c.n_tokens == 0 && c.text_len == 0);
    ft_completions_free(session, &c, 1);
    ft_completions_free(session, &c, 1);
    ft_completions_free(session, NULL, 1);
    end();
}

TEST(generate, stops_across_tokens) {
    static const struct { const char *stops[3]; const char *text; int n_tokens; ft_finish finish; } cases[] = {
        {{"wor", NULL, NULL}, "abc hello ", 5, FT_FINISH_STOP},
        {{"c hel", NULL, NULL}, "ab", 4, FT_FINISH_STOP},     /* over two tokens */
        {{"bc", NULL, NULL}, "a", 3, FT_FINISH_STOP},
        {{"abc", NULL, NULL}, "", 3, FT_FINISH_STOP},         /* all of the text */
        {{"ab!", "bd", NULL}, "abc hello world!.", 7, FT_FINISH_END}, /* begun and not ended */
        {{"zz", "world!", "d!"}, "abc hello ", 6, FT_FINISH_STOP}, /* the earlier beginning */
        {{"d!", "orl", NULL}, "abc hello w", 5, FT_FINISH_STOP},
        {{"!.", NULL, NULL}, "abc hello world", 7, FT_FINISH_STOP}, /* the last token before the end */
        {{".?", NULL, NULL}, "abc hello world!.", 7, FT_FINISH_END},
    };
    int steps[16], n = 0;
    static const char *const line[] = {"x", "a", "b", "c", "\xe2\x96\x81hello", "\xe2\x96\x81world", "!", "."};
    for (size_t i = 0; i < FT__COUNT(line); i++) steps[n++] = piece_token(line[i]);
    steps[n++] = 2;
    steps[n] = -2;
    write_script(test_path("script.gguf"), steps);
    if (!begin_at(test_path("script.gguf"), 0, NULL)) return;
    int32_t start = piece_token("x");
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        ft_request r = request_of("", 50);
        r.text = NULL, r.prompt = &start, r.n_prompt = 1;
        r.stops = cases[i].stops;
        while (r.n_stops < 3 && cases[i].stops[r.n_stops]) r.n_stops++;
        ft_completion c = generate(&r);
        CHECK_TEXT(c.text, cases[i].text);
        CHECK_INT(c.text_len, strlen(cases[i].text));
        CHECK_INT(c.n_tokens, cases[i].n_tokens);
        CHECK_INT(c.finish, cases[i].finish);
        ft_completions_free(session, &c, 1);
    }
    end();
}

/* Characters come as single bytes; none is shown before it is whole. */
TEST(generate, characters_are_whole) {
    static const unsigned char text[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z";
    int steps[24], n = 0;
    steps[n++] = piece_token("x");
    for (size_t i = 0; i + 1 < sizeof text; i++) steps[n++] = byte_token(text[i]);
    steps[n++] = 2;
    steps[n] = -2;
    write_script(test_path("script.gguf"), steps);
    if (!begin_at(test_path("script.gguf"), 0, NULL)) return;
    int32_t start = steps[0];
    ft_request r = request_of("", 50);
    r.text = NULL, r.prompt = &start, r.n_prompt = 1;
    ft_error err;
    listener l;
    ft_generate_hooks hooks;
    ft_completion c;
    listen(&l, &hooks, 0);
    CHECK_OK(ft_session_generate(session, &r, 1, &c, &hooks, &err), err);
    CHECK_TEXT(c.text, (const char *)text);
    CHECK_INT(l.n_text[0], 5); /* one call a character */
    CHECK(whole_characters(&l));
    ft_completions_free(session, &c, 1);
    forget(&l);
    for (int cut = 1; cut <= 11; cut++) { /* cut within a character: the completion has the bytes */
        r.max_tokens = cut;
        c = generate(&r);
        CHECK_INT(c.text_len, cut);
        CHECK(memcmp(c.text, text, (size_t)cut) == 0);
        ft_completions_free(session, &c, 1);
    }
    static const char *const half[] = {"\x82"}; /* a stop within a character */
    r.max_tokens = 50, r.stops = half, r.n_stops = 1;
    c = generate(&r);
    CHECK_TEXT(c.text, "a\xC3\xA9\xE2");
    CHECK_INT(c.finish, FT_FINISH_STOP);
    ft_completions_free(session, &c, 1);
    end();
}

/* The tokens of a run without stops, cut naively: the same as with stops, for random texts. */
TEST(generate, stops_as_a_naive_search) {
    enum { RUNS = 40, LENGTH = 40 };
    if (!begin(4)) return;
    random_state = 5;
    int stopped = 0;
    for (int run = 0; run < RUNS; run++) {
        ft_request r = request_of("hello", LENGTH);
        r.sampling.temperature = 1.5f, r.sampling.seed = (uint64_t)run;
        ft_completion whole = generate(&r);
        char stop_text[3][8];
        const char *stops[3] = {stop_text[0], stop_text[1], stop_text[2]};
        int n_stops = 0;
        for (int s = 0; s < 3; s++) { /* pieces of the text itself, sometimes with another end */
            size_t n = 1 + next_random() % 6, at = next_random() % (whole.text_len + 1);
            if (at + n > whole.text_len || (whole.text[at] & 0xC0) == 0x80) continue;
            memcpy(stop_text[n_stops], whole.text + at, n);
            stop_text[n_stops][n] = 0;
            if (next_random() % 3 == 0) stop_text[n_stops][n - 1] = '#';
            if (strlen(stop_text[n_stops]) > 0) n_stops++;
        }
        r.stops = stops, r.n_stops = n_stops;
        ft_completion c = generate(&r);
        char text[4096];
        size_t n_text = 0, cut = SIZE_MAX;
        int n_tokens = 0;
        ft__vocab *v = NULL;
        ft__gguf g;
        ft_error err;
        ft_allocator a = ft__allocator(NULL);
        CHECK_OK(ft__gguf_open(&g, base_path, &a, &err), err);
        CHECK_OK(ft__vocab_load(&v, &g, &a, &err), err);
        while (n_tokens < whole.n_tokens && cut == SIZE_MAX) {
            size_t n;
            const char *piece = ft__vocab_piece(v, whole.tokens[n_tokens++], &n);
            if (n) memcpy(text + n_text, piece, n);
            n_text += n;
            for (size_t at = 0; at < n_text && cut == SIZE_MAX; at++)
                for (int s = 0; s < n_stops; s++)
                    if (strlen(stops[s]) <= n_text - at && memcmp(text + at, stops[s], strlen(stops[s])) == 0) cut = at;
        }
        ft__vocab_free(v);
        ft__gguf_close(&g);
        CHECK_INT(c.n_tokens, n_tokens);
        CHECK(c.text_len == (cut == SIZE_MAX ? n_text : cut) && memcmp(c.text, text, c.text_len) == 0);
        CHECK_INT(c.finish, cut == SIZE_MAX ? whole.finish : FT_FINISH_STOP);
        stopped += c.finish == FT_FINISH_STOP;
        ft_completions_free(session, &whole, 1);
        ft_completions_free(session, &c, 1);
    }
    CHECK(stopped > RUNS / 3);
    end();
}

/* More requests than places, of different lengths and settings: as if each were alone. */
TEST(generate, many_as_one_by_one) {
    enum { MANY = 11 };
    static const char *const prompts[] = {"hello", "the world is", "a", "she said yes and", "on"};
    static const char *const stops[] = {"he", "qu"};
    static const int places[] = {1, 2, 3, 32};
    ft_request requests[MANY];
    ft_completion expected[MANY], got[MANY];
    ft_error err;
    for (int i = 0; i < MANY; i++) {
        requests[i] = request_of(prompts[i % 5], 1 + (i * 7) % 23);
        requests[i].sampling.temperature = i % 3 ? 0.9f : 0;
        requests[i].sampling.top_p = i % 4 ? 0.95f : 0;
        requests[i].row = (uint64_t)i;
        requests[i].stops = stops;
        requests[i].n_stops = i % 3;
    }
    for (size_t p = 0; p < FT__COUNT(places); p++) {
        listener l;
        ft_generate_hooks hooks;
        if (!begin(places[p])) return;
        for (int i = 0; i < MANY && p == 0; i++) expected[i] = generate(&requests[i]);
        listen(&l, &hooks, 0);
        CHECK_OK(ft_session_generate(session, requests, MANY, got, &hooks, &err), err);
        for (int i = 0; i < MANY; i++) {
            CHECK(same_completion(&expected[i], &got[i]));
            CHECK_INT(l.n_done[i], 1);
            CHECK(ft__text_equal(got[i].text, got[i].text_len, l.text[i].data, l.text[i].len));
        }
        forget(&l);
        ft_completions_free(session, got, MANY);
        if (p == 3) ft_completions_free(session, expected, MANY);
        end();
    }
}

TEST(generate, text_and_ids_are_one_prompt) {
    int32_t ids[64];
    size_t n;
    ft_error err;
    if (!begin(0)) return;
    static const unsigned flags[] = {FT_TOKENIZE_DEFAULT, FT_TOKENIZE_PLAIN, FT_TOKENIZE_PARSE_SPECIAL};
    for (size_t i = 0; i < FT__COUNT(flags); i++) {
        ft_request text = request_of("hello world</s> and", 12), by_id = request_of("", 12);
        text.flags = flags[i];
        CHECK_OK(ft_tokenize(model, text.text, text.text_len, flags[i], ids, 64, &n, &err), err);
        by_id.text = NULL, by_id.prompt = ids, by_id.n_prompt = (int)n;
        ft_completion a = generate(&text), b = generate(&by_id);
        CHECK(same_completion(&a, &b));
        ft_completions_free(session, &a, 1);
        ft_completions_free(session, &b, 1);
    }
    ft_request standard = request_of("hello", 0);
    standard.prompt = NULL;
    ft_completion c = generate(&standard);
    CHECK(c.n_tokens == 128 || c.finish == FT_FINISH_END);
    ft_completions_free(session, &c, 1);
    end();
}

/* Greedy and sampled steps are those of ft_sample on the logits of ft_session_decode. */
TEST(generate, is_decode_and_sample) {
    static const int32_t prompt[3] = {1, 300, 270};
    ft_error err;
    if (!begin(0)) return;
    const int n_vocab = ft_model_get_info(model).n_vocab;
    float *last = (float *)malloc((size_t)n_vocab * 2 * sizeof *last);
    for (int round = 0; round < 2; round++) {
        ft_request r = request_of("", 25);
        r.text = NULL, r.prompt = prompt, r.n_prompt = 3;
        r.sampling.temperature = round ? 1.2f : 0, r.sampling.seed = 77;
        r.row = 5, r.variant_key = 9;
        ft_completion c = generate(&r);
        int sequence, n = 0;
        CHECK_OK(ft_session_open(session, 0, &sequence, &err), err);
        ft_feed feed = {sequence, prompt, 3, last, NULL};
        for (; n < 25; n++) {
            CHECK_OK(ft_session_decode(session, &feed, 1, &err), err);
            ft_draw draw = {5, 9, (uint32_t)(3 + n)};
            int32_t token = ft_sample(last, n_vocab, &r.sampling, &draw, last + n_vocab);
            if (token == 2) break;
            if (!CHECK(n < c.n_tokens && c.tokens[n] == token)) break;
            feed.tokens = &c.tokens[n], feed.n_tokens = 1;
        }
        CHECK_INT(c.n_tokens, n);
        ft_session_close(session, sequence);
        ft_completions_free(session, &c, 1);
    }
    free(last);
    end();
}

/* ---- shared prefixes and little memory */

enum { N_SHARING = 12, LONGEST = 150 };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { STEP = 3 }; /* of all combinations: the sanitizers are slow */
#else
enum { STEP = 1 };
#endif
static ft_request sharing[N_SHARING];

/* Two families with 130 and 64 common tokens, each under the base and an adapter, and a prompt that is the
   beginning of another. */
static void write_sharing(void) {
    static int32_t prompts[N_SHARING][LONGEST];
    static const int lengths[N_SHARING] = {140, 150, 131, 130, 140, 150, 66, 90, 65, 64, 20, 128};
    memset(sharing, 0, sizeof sharing);
    for (int i = 0; i < N_SHARING; i++) {
        const int family = i < 6 || i == 11 ? 0 : 1, common = family ? 64 : 130;
        random_state = 1000 + (uint64_t)family;
        for (int k = 0; k < lengths[i]; k++) {
            if (k == common) random_state = 2000 + (uint64_t)i;
            prompts[i][k] = (int32_t)(next_random() % (uint32_t)tiny_vocab_size());
        }
        sharing[i].prompt = prompts[i];
        sharing[i].n_prompt = lengths[i];
        sharing[i].variant = i == 4 || i == 5 || i == 8;
        sharing[i].max_tokens = 1 + i * 7 % 50;
        sharing[i].sampling.temperature = i % 2 ? 1.0f : 0;
        sharing[i].row = (uint64_t)i;
        sharing[i].want_logprobs = true;
    }
}

static ft_session *sharing_session(int max_sequences, size_t kv_bytes, bool alone, const ft_adapter *adapter) {
    ft_error err;
    ft_session_desc with = {2, N_CTX, FT_KV_F16, 64, max_sequences, kv_bytes, alone};
    ft_adapter_use use = {adapter, 1};
    int variant;
    ft_session *s = ft_session_create(model, &with, &err);
    if (!CHECK_OK(s ? FT_OK : err.code, err)) return NULL;
    if (adapter) CHECK_OK(ft_session_add_variant(s, &use, 1, &variant, &err), err);
    return s;
}

static bool same_with_logprobs(const ft_completion *a, const ft_completion *b) {
    return same_completion(a, b) && memcmp(a->logprobs, b->logprobs, (size_t)a->n_tokens * sizeof(float)) == 0;
}

/* Shared or not, many or few at a time, however little memory: the same bits, each token computed once or
   taken, and never more memory than was said. */
TEST(generate, shared_prefixes_and_little_memory) {
    static const tiny_adapter options = {4, 8, 1, 1, 0, FT__FORMAT_F32, false};
    static const int places[] = {1, 2, 5, 32};
    ft_completion expected[N_SHARING], got[N_SHARING];
    ft_error err;
    if (!begin(1)) return;
    tiny_write_adapter(test_path("adapter.gguf"), NULL, &options);
    ft_adapter *adapter = ft_adapter_load(model, test_path("adapter.gguf"), &err);
    CHECK_OK(adapter ? FT_OK : err.code, err);
    write_sharing();
    ft_session *plain = sharing_session(1, 0, true, adapter);
    for (int i = 0; i < N_SHARING; i++)
        CHECK_OK(ft_session_generate(plain, &sharing[i], 1, &expected[i], NULL, &err), err);
    ft_session_stats stats = ft_session_get_stats(plain);
    const uint64_t fed = stats.tokens_computed;
    const size_t page = stats.kv_bytes_peak / 3; /* 179 tokens at most */
    CHECK_INT(stats.tokens_shared, 0);
    for (int round = 0; round < 32; round += STEP) {
        const bool alone = round % 2 == 0;
        const size_t bounds[] = {0, 3 * page, 4 * page + 1, 11 * page}, bound = bounds[round / 8];
        ft_session *s = sharing_session(places[round / 2 % 4], bound, alone, adapter);
        for (int again = 1; again <= 2; again++) {
            CHECK_OK(ft_session_generate(s, sharing, N_SHARING, got, NULL, &err), err);
            for (int i = 0; i < N_SHARING; i++)
                if (!CHECK(same_with_logprobs(&expected[i], &got[i]))) test_note("request %d, round %d", i, round);
            ft_completions_free(s, got, N_SHARING);
            stats = ft_session_get_stats(s);
            CHECK_INT(stats.tokens_computed + stats.tokens_shared, (uint64_t)again * fed);
            CHECK(!bound || stats.kv_bytes_peak <= bound);
            if (alone) CHECK_INT(stats.tokens_shared, 0);
            /* the base: 1, 2, 3 take 2 pages each, 11 one (its last token is computed); 7 one (9 none); the adapter: 5 */
            if (!alone && !bound && again == 1 && round > 1) /* one at a time keeps less */
                CHECK_INT(stats.tokens_shared, 64 * (3 * 2 + 1 + 1 + 2));
            if (!alone && !bound && again == 2) CHECK(stats.tokens_shared >= 64 * (10 + 8));
        }
        if (round == 9) test_note("%d of %d tokens shared in 3 pages", (int)stats.tokens_shared, (int)(2 * fed));
        ft_session_free(s);
    }
    ft_completions_free(plain, expected, N_SHARING);
    ft_session_free(plain);
    ft_adapter_free(adapter);
    end();
}

/* What a model said is a prefix, too: the next turn of a conversation takes it. */
TEST(generate, answers_are_prefixes) {
    int32_t turn[200];
    ft_error err;
    ft_completion first, second, expected;
    if (!begin(1)) return;
    write_sharing();
    ft_request r = sharing[6];
    r.max_tokens = 70;
    r.sampling.temperature = 1.5f;
    memset(&first, 0, sizeof first);
    for (r.row = 0; first.n_tokens < 63 && r.row < 20; r.row++) { /* until one does not stop early */
        ft_completions_free(session, &first, 1);
        CHECK_OK(ft_session_generate(session, &r, 1, &first, NULL, &err), err);
    }
    const uint64_t before = ft_session_get_stats(session).tokens_shared;
    memcpy(turn, r.prompt, 66 * sizeof *turn);
    memcpy(turn + 66, first.tokens, (size_t)first.n_tokens * sizeof *turn);
    r.prompt = turn;
    r.n_prompt = 66 + first.n_tokens;
    r.max_tokens = 20;
    CHECK(r.n_prompt > 128);
    CHECK_OK(ft_session_generate(session, &r, 1, &second, NULL, &err), err);
    CHECK_INT(ft_session_get_stats(session).tokens_shared - before, 128);
    ft_session *s = sharing_session(1, 0, true, NULL);
    CHECK_OK(ft_session_generate(s, &r, 1, &expected, NULL, &err), err);
    CHECK(same_with_logprobs(&second, &expected));
    ft_completions_free(s, &first, 1);
    ft_completions_free(s, &second, 1);
    ft_completions_free(s, &expected, 1);
    ft_session_free(s);
    end();
}

/* Kept pages are as many as were in use at most, where no bound is set. */
TEST(generate, what_is_kept_is_bounded) {
    ft_error err;
    ft_completion c;
    int32_t prompt[130];
    if (!begin(1)) return;
    for (int i = 0; i < 40; i++) {
        for (int k = 0; k < 130; k++) prompt[k] = (k * 7 + i) % 300;
        ft_request r = request_of("", 5);
        r.text = NULL, r.prompt = prompt, r.n_prompt = 130;
        CHECK_OK(ft_session_generate(session, &r, 1, &c, NULL, &err), err);
        ft_completions_free(session, &c, 1);
    }
    ft_session_stats stats = ft_session_get_stats(session);
    CHECK_INT(stats.tokens_shared, 0);
    CHECK_INT(stats.kv_bytes, stats.kv_bytes_peak);
    const size_t page = session->kv.page_bytes;
    test_note("%d pages for sequences of 3", (int)(stats.kv_bytes / page));
    CHECK(stats.kv_bytes <= 2 * 3 * page + page);
    end();
}

TEST(generate, requests_that_never_fit) {
    ft_error err;
    ft_completion out[3];
    if (!begin(1)) return;
    write_sharing();
    ft_session *s = sharing_session(3, 2 * session->kv.page_bytes + 10, false, NULL);
    if (!s) return;
    ft_request three[3] = {sharing[10], sharing[6], sharing[10]};
    three[0].variant = three[1].variant = three[2].variant = 0;
    three[1].max_tokens = 129 - 66; /* the last one made is not cached: 128 of 128 */
    CHECK_OK(ft_session_generate(s, three, 3, out, NULL, &err), err);
    ft_completions_free(s, out, 3);
    CHECK(ft_session_get_stats(s).kv_bytes_peak == 2 * session->kv.page_bytes);
    const uint64_t computed = ft_session_get_stats(s).tokens_computed;
    three[1].max_tokens = 130 - 66;
    CHECK_ERROR(ft_session_generate(s, three, 3, out, NULL, &err), FT_ERR_LIMIT, err,
                "request 1: 129 tokens take 3 pages of ");
    CHECK_INT(ft_session_get_stats(s).tokens_computed, computed);
    three[1].max_tokens = 5; /* a sequence of the caller's own takes its part of the bound */
    int sequence;
    CHECK_OK(ft_session_open(s, 0, &sequence, &err), err);
    ft_feed feed = {sequence, sharing[0].prompt, 65, NULL, NULL};
    CHECK_OK(ft_session_decode(s, &feed, 1, &err), err);
    CHECK_ERROR(ft_session_generate(s, three, 3, out, NULL, &err), FT_ERR_LIMIT, err, "kv_bytes has room for 0");
    ft_session_close(s, sequence);
    CHECK_OK(ft_session_generate(s, three, 3, out, NULL, &err), err);
    ft_completions_free(s, out, 3);
    ft_session_free(s);
    end();
}

static int take_pages(void *user, int request) {
    ft_session *s = (ft_session *)user;
    ft_feed feed = {0, sharing[0].prompt, 100, NULL, NULL};
    (void)request;
    return ft_session_open(s, 0, &feed.sequence, NULL) || ft_session_decode(s, &feed, 1, NULL);
}

/* Who takes the memory from a running call gets an error, not a wait without end. */
TEST(generate, memory_taken_meanwhile) {
    ft_error err;
    ft_completion out[2];
    if (!begin(1)) return;
    write_sharing();
    ft_session *s = sharing_session(1, 3 * session->kv.page_bytes, false, NULL);
    ft_generate_hooks hooks = {s, take_pages, NULL};
    if (!s) return;
    CHECK_ERROR(ft_session_generate(s, sharing, 2, out, &hooks, &err), FT_ERR_LIMIT, err, "a callback took the memory");
    ft_session_close(s, 0);
    ft_session_close(s, 1);
    CHECK_OK(ft_session_generate(s, sharing, 2, out, NULL, &err), err);
    ft_completions_free(s, out, 2);
    ft_session_free(s);
    end();
}

/* ---- what is refused */

TEST(generate, wrong_requests) {
    static const char *const empty[] = {"ok", ""}, *const null[] = {NULL};
    static int32_t ids[N_CTX + 1] = {1, 2, -1};
    ft_error err;
    ft_completion out[2];
    listener l;
    ft_generate_hooks hooks;
    if (!begin(1)) return;
    ft_request good = request_of("hello", 3), requests[2];
    requests[0] = good;
    requests[0].text = NULL, requests[0].n_prompt = 2;
    CHECK_ERROR(ft_session_generate(session, requests, 1, out, NULL, &err), FT_ERR_ARGUMENT, err,
                "request 0: there is neither a prompt nor a text");
    for (int i = 0; i < 9; i++) {
        static const struct { ft_status status; const char *needle; } expected[9] = {
            {FT_ERR_CONTEXT, "request 1: a prompt of 2 tokens and max_tokens 199 are over the context of 200"},
            {FT_ERR_CONTEXT, "request 1: a prompt of 201 tokens"},
            {FT_ERR_CONTEXT, "max_tokens 2147483647 are over the context"},
            {FT_ERR_ARGUMENT, "request 1: stop string 1 is empty"},
            {FT_ERR_ARGUMENT, "stop string 0 is empty"},
            {FT_ERR_ARGUMENT, "request 1: 2 prompt tokens and max_tokens -1, expected at least 1 of each"},
            {FT_ERR_ARGUMENT, "request 1: 0 prompt tokens"},
            {FT_ERR_TOKEN, "token 2 is -1"},
            {FT_ERR_ARGUMENT, "variant: found 4"}};
        requests[0] = requests[1] = good;
        ft_request *r = &requests[1];
        r->text = NULL, r->prompt = ids, r->n_prompt = 2;
        if (i == 0) r->max_tokens = N_CTX - 1;
        if (i == 1) r->n_prompt = N_CTX + 1, r->max_tokens = 1;
        if (i == 2) r->max_tokens = INT_MAX;
        if (i == 3) r->stops = empty, r->n_stops = 2;
        if (i == 4) r->stops = null, r->n_stops = 1;
        if (i == 5) r->max_tokens = -1;
        if (i == 6) r->n_prompt = 0;
        if (i == 7) r->n_prompt = 3;
        if (i == 8) r->variant = 4;
        listen(&l, &hooks, 0);
        CHECK_ERROR(ft_session_generate(session, requests, 2, out, &hooks, &err), expected[i].status, err,
                    expected[i].needle);
        CHECK_INT(l.calls, 0); /* before anything runs */
        CHECK(!out[0].text && !out[0].tokens && !out[1].text && !out[1].tokens);
        forget(&l);
    }
    good.max_tokens = N_CTX;
    CHECK_ERROR(ft_session_generate(session, &good, 1, out, NULL, &err), FT_ERR_CONTEXT, err, "request 0");
    int sequence;
    CHECK_OK(ft_session_open(session, 0, &sequence, &err), err);
    CHECK_INT(sequence, 0); /* no sequence was left open */
    CHECK_OK(ft_session_generate(session, NULL, 0, NULL, NULL, &err), err);
    end();
}

TEST(generate, fills_the_context) {
    int32_t ids[100];
    if (!begin(0)) return;
    for (int i = 0; i < 100; i++) ids[i] = 260 + i % 80;
    ft_request r = request_of("", N_CTX - 100);
    r.text = NULL, r.prompt = ids, r.n_prompt = 100;
    r.sampling.temperature = 1;
    ft_completion c = generate(&r);
    CHECK(c.n_tokens == N_CTX - 100 || c.finish == FT_FINISH_END);
    ft_completions_free(session, &c, 1);
    end();
}

/* A callback that says stop at its n-th call: FT_ERR_CANCELLED, and nothing stays behind. */
TEST(generate, cancelled) {
    test_memory memory;
    ft_error err;
    ft_request requests[3];
    ft_completion out[3];
    memset(&memory, 0, sizeof memory);
    ft_allocator a = test_allocator(&memory);
    tiny_write_model(test_path("base.gguf"), NULL);
    if (!begin_at(test_path("base.gguf"), 2, &a)) return;
    for (int i = 0; i < 3; i++) {
        requests[i] = request_of("hello", 4 + i);
        requests[i].sampling.temperature = 1, requests[i].row = (uint64_t)i;
    }
    int n_calls = 0;
    for (int stop_at = 0; stop_at <= n_calls; stop_at++) {
        listener l;
        ft_generate_hooks hooks;
        listen(&l, &hooks, stop_at);
        ft_status status = ft_session_generate(session, requests, 3, out, &hooks, &err);
        if (stop_at == 0) {
            CHECK_OK(status, err);
            n_calls = l.calls;
            CHECK(n_calls > 6);
            ft_completions_free(session, out, 3);
        } else {
            CHECK_ERROR(status, FT_ERR_CANCELLED, err, "asked to stop");
            CHECK_INT(l.calls, stop_at);
            for (int i = 0; i < 3; i++) CHECK(!out[i].text && !out[i].tokens);
        }
        forget(&l);
    }
    end();
    CHECK_INT(memory.live, 0);
}

/* A request that ends at once asks for little: whatever is refused, it says so. */
TEST(generate, out_of_memory) {
    test_memory memory;
    ft_error err;
    ft_completion c;
    const int steps[] = {piece_token("y"), 2, -2};
    int32_t start = steps[0];
    memset(&memory, 0, sizeof memory);
    ft_allocator a = test_allocator(&memory);
    write_script(test_path("script.gguf"), steps);
    if (!begin_at(test_path("script.gguf"), 0, &a)) return;
    ft_request r = request_of("", 5);
    r.text = NULL, r.prompt = &start, r.n_prompt = 1;
    ft_status status = ft_session_generate(session, &r, 1, &c, NULL, &err); /* now the session has its pages */
    CHECK_OK(status, err);
    ft_completions_free(session, &c, 1);
    long live = memory.live, n = 0;
    do {
        memory.fail_at = memory.requests + ++n;
        status = ft_session_generate(session, &r, 1, &c, NULL, &err);
        memory.fail_at = 0;
        if (status) CHECK_ERROR(status, FT_ERR_MEMORY, err, "out of memory");
        else CHECK_TEXT(c.text, "");
        ft_completions_free(session, &c, 1);
        CHECK_INT(memory.live, live);
    } while (status && n < 100);
    CHECK(n > 2 && n < 100);
    end();
    CHECK_INT(memory.live, 0);
}

/* The same for prompts that share pages, in little memory: after any failure the session is as good as new. */
TEST(generate, out_of_memory_while_sharing) {
    test_memory memory;
    ft_error err;
    ft_completion expected[N_SHARING], got[N_SHARING];
    memset(&memory, 0, sizeof memory);
    ft_allocator a = test_allocator(&memory);
    tiny_write_model(test_path("base.gguf"), NULL);
    if (!begin_at(test_path("base.gguf"), 1, &a)) return;
    write_sharing();
    for (int i = 0; i < N_SHARING; i++) sharing[i].variant = 0, sharing[i].max_tokens = 1 + i % 3;
    const size_t bound = 7 * session->kv.page_bytes;
    CHECK_OK(ft_session_generate(session, sharing, N_SHARING, expected, NULL, &err), err);
    const long live = memory.live;
    ft_status status = FT_ERR_MEMORY;
    long n = 0;
    for (; status && n < 200; n++) {
        ft_session_desc with = {1, N_CTX, FT_KV_F16, 64, 3, bound, false};
        ft_session *s = ft_session_create(model, &with, &err);
        memory.fail_at = memory.requests + n + 1;
        status = ft_session_generate(s, sharing, N_SHARING, got, NULL, &err);
        memory.fail_at = 0;
        if (status) CHECK_ERROR(status, FT_ERR_MEMORY, err, "out of memory");
        if (status) CHECK_OK(ft_session_generate(s, sharing, N_SHARING, got, NULL, &err), err);
        for (int i = 0; i < N_SHARING; i++) CHECK(same_with_logprobs(&expected[i], &got[i]));
        CHECK(ft_session_get_stats(s).kv_bytes_peak <= bound);
        ft_completions_free(s, got, N_SHARING);
        ft_session_free(s);
        CHECK_INT(memory.live, live);
    }
    test_note("%ld requests for memory", n);
    CHECK(n > 20 && n < 200);
    ft_completions_free(session, expected, N_SHARING);
    end();
    CHECK_INT(memory.live, 0);
}
