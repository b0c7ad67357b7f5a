/* Log-probs: against a model whose probabilities are known, against all logits, and against themselves in
   every company. */
#include "test.h"
#include "gguf_edit.h"
#include "tiny.h"
#include "../src/run/run.h"

static ft_model *model;
static ft_adapter *adapter;
static int n_vocab;

static bool begin(const ft_allocator *a) {
    static const tiny_adapter options = {4, 8, 1, 1, 0, FT__FORMAT_F32, false};
    ft_error err;
    ft_model_desc desc;
    memset(&desc, 0, sizeof desc);
    if (a) desc.allocator = *a;
    tiny_write_model(test_path("base.gguf"), NULL);
    tiny_write_adapter(test_path("adapter.gguf"), NULL, &options);
    model = ft_model_load(test_path("base.gguf"), &desc, &err);
    if (!CHECK_OK(model ? FT_OK : err.code, err)) return false;
    adapter = ft_adapter_load(model, test_path("adapter.gguf"), &err);
    n_vocab = tiny_vocab_size();
    return CHECK(adapter != NULL);
}

static void end(void) {
    ft_adapter_free(adapter);
    ft_model_free(model);
}

/* A session whose variant 1 has the adapter. */
static ft_session *session_of(int threads, int max_sequences, size_t kv_bytes, bool alone) {
    ft_error err;
    ft_session_desc desc = {threads, 300, FT_KV_F16, 50, max_sequences, kv_bytes, alone};
    ft_adapter_use use = {adapter, 1};
    int variant;
    ft_session *s = ft_session_create(model, &desc, &err);
    if (!CHECK_OK(s ? FT_OK : err.code, err)) return NULL;
    if (adapter) CHECK_OK(ft_session_add_variant(s, &use, 1, &variant, &err), err);
    return s;
}

/* ---- a model with known probabilities: after any token, `favourite` has a logit of 8 and all others 0 */

TEST(score, known_probabilities) {
    enum { D = 64, FAVOURITE = 270 };
    const int V = tiny_vocab_size();
    float *rows = (float *)malloc((size_t)V * D * sizeof(float)), *out = (float *)calloc((size_t)V * D, sizeof(float));
    float ones[D], logprobs[4], top_logprobs[4 * 3];
    int32_t tokens[5] = {1, FAVOURITE, 5, FAVOURITE, 300}, top[4 * 3];
    tiny_model options;
    ft_error err;
    edit e;
    memset(&options, 0, sizeof options);
    options.n_layers = 1;
    tiny_write_model(test_path("random.gguf"), &options);
    for (int i = 0; i < V * D; i++) rows[i] = 1;
    for (int i = 0; i < D; i++) ones[i] = 1;
    for (int i = 0; i < D; i++) out[FAVOURITE * D + i] = 8.0f / D;
    edit_begin(&e, test_path("random.gguf"));
    edit_tensor(&e, "token_embd.weight", FT__FORMAT_F32, D, V, rows);
    edit_tensor(&e, "output.weight", FT__FORMAT_F32, D, V, out);
    edit_tensor(&e, "output_norm.weight", FT__FORMAT_F32, D, 1, ones);
    edit_tensor(&e, "blk.0.attn_output.weight", FT__FORMAT_F32, D, D, NULL);
    edit_tensor(&e, "blk.0.ffn_down.weight", FT__FORMAT_F32, 128, D, NULL);
    edit_save(&e, test_path("known.gguf"));
    free(rows);
    free(out);
    adapter = NULL;
    model = ft_model_load(test_path("known.gguf"), NULL, &err);
    if (!CHECK_OK(model ? FT_OK : err.code, err)) return;
    ft_session *s = session_of(1, 0, 0, false);
    ft_score_request r = {0, tokens, 5, 0, logprobs, 3, top, top_logprobs};
    CHECK_OK(ft_session_score(s, &r, 1, &err), err);
    const double eight = 8 / ft__sqrt(1 + 1e-5); /* the norm's epsilon */
    const double sum = ft__log(ft__exp(eight) + V - 1);
    for (int i = 0; i < 4; i++) {
        const bool favourite = tokens[i + 1] == FAVOURITE;
        CHECK_NEAR(logprobs[i], (favourite ? eight : 0) - sum, 1e-6);
        CHECK(top[3 * i] == FAVOURITE && top[3 * i + 1] == 0 && top[3 * i + 2] == 1); /* ties by id */
        CHECK_NEAR(top_logprobs[3 * i], eight - sum, 1e-6);
        CHECK_NEAR(top_logprobs[3 * i + 2], -sum, 1e-6);
    }
    ft_session_free(s);
    end();
}

/* ---- against all logits */

enum { N_TEXTS = 9, LONGEST = 290, TOP = 5 };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { STEP = 3 }; /* of all combinations: the sanitizers are slow */
#else
enum { STEP = 1 };
#endif

typedef struct text {
    int32_t tokens[LONGEST], top[LONGEST * TOP];
    float logprobs[LONGEST], top_logprobs[LONGEST * TOP];
} text;
static text texts[N_TEXTS];
static ft_score_request requests[N_TEXTS];

/* Texts of two variants; 0 to 3 share 200 tokens, 4 and 5 share 70. */
static void write_texts(void) {
    static const int lengths[N_TEXTS] = {290, 230, 205, 201, 100, 72, 2, 65, 130};
    static const int firsts[N_TEXTS] = {200, 200, 129, 0, 71, 70, 0, 64, 1};
    for (int i = 0; i < N_TEXTS; i++) {
        const int family = i < 4 ? 0 : i < 6 ? 1 : i, shared = i < 4 ? 200 : 70;
        uint32_t x = (uint32_t)family * 77 + 1, y = (uint32_t)i * 33 + 500;
        for (int t = 0; t < lengths[i]; t++) {
            x = x * 1664525u + 1013904223u, y = y * 1664525u + 1013904223u;
            texts[i].tokens[t] = (int32_t)((t < shared ? x : y) >> 8) % n_vocab;
        }
        memset(texts[i].logprobs, 0, sizeof texts[i].logprobs);
        memset(texts[i].top, 0, sizeof texts[i].top);
        ft_score_request r = {i == 3 || i > 6, texts[i].tokens, lengths[i], firsts[i], texts[i].logprobs,
                              TOP, texts[i].top, texts[i].top_logprobs};
        requests[i] = r;
    }
}

static const float *sorting;

static int by_logit(const void *a, const void *b) {
    int32_t i = *(const int32_t *)a, j = *(const int32_t *)b;
    if (sorting[i] != sorting[j]) return sorting[i] > sorting[j] ? -1 : 1;
    return i < j ? -1 : 1;
}

/* The digest of everything that came out. */
static void digest_of(char hex[65]) {
    ft__sha256 h;
    uint8_t digest[32];
    ft__sha256_init(&h);
    for (int i = 0; i < N_TEXTS; i++) {
        const size_t n = (size_t)(requests[i].n_tokens - (requests[i].first ? requests[i].first : 1));
        ft__sha256_add(&h, texts[i].logprobs, n * sizeof(float));
        ft__sha256_add(&h, texts[i].top, n * TOP * sizeof(int32_t));
        ft__sha256_add(&h, texts[i].top_logprobs, n * TOP * sizeof(float));
    }
    ft__sha256_end(&h, digest);
    ft__hex(digest, 32, hex);
}

static void check_text(ft_session *s, const ft_score_request *r) {
    ft_error err;
    int sequence, first = r->first ? r->first : 1, wrong = 0;
    float *logits = (float *)malloc((size_t)r->n_tokens * (size_t)n_vocab * sizeof *logits);
    int32_t *order = (int32_t *)malloc((size_t)n_vocab * sizeof *order);
    CHECK_OK(ft_session_open(s, r->variant, &sequence, &err), err);
    ft_feed feed = {sequence, r->tokens, r->n_tokens, NULL, logits};
    CHECK_OK(ft_session_decode(s, &feed, 1, &err), err);
    ft_session_close(s, sequence);
    for (int t = first; t < r->n_tokens; t++) {
        const float *row = logits + (size_t)(t - 1) * (size_t)n_vocab;
        double sum = 0; /* another way to the same number */
        for (int i = n_vocab - 1; i >= 0; i--) sum += ft__exp((double)row[i]);
        CHECK_NEAR(r->logprobs[t - first], (double)row[r->tokens[t]] - ft__log(sum), 2e-6);
        for (int i = 0; i < n_vocab; i++) order[i] = i;
        sorting = row;
        qsort(order, (size_t)n_vocab, sizeof *order, by_logit);
        for (int k = 0; k < TOP; k++) {
            wrong += r->top_tokens[(t - first) * TOP + k] != order[k];
            wrong += r->top_logprobs[(t - first) * TOP + k] != ft__logprob(row, n_vocab, order[k]);
        }
    }
    CHECK_INT(wrong, 0);
    free(logits);
    free(order);
}

TEST(score, is_that_of_all_logits) {
    ft_error err;
    if (!begin(NULL)) return;
    write_texts();
    ft_session *s = session_of(2, 0, 0, false);
    CHECK_OK(ft_session_score(s, requests, N_TEXTS, &err), err);
    for (int i = 0; i < N_TEXTS; i++) check_text(s, &requests[i]);
    CHECK_OK(ft_session_score(s, requests, 0, &err), err);
    int32_t *all = (int32_t *)malloc((size_t)n_vocab * sizeof *all); /* the whole vocabulary in order */
    bool *seen = (bool *)calloc((size_t)n_vocab, 1);
    ft_score_request r = {0, texts[0].tokens, 2, 1, NULL, n_vocab, all, NULL};
    CHECK_OK(ft_session_score(s, &r, 1, &err), err);
    int n_seen = 0;
    for (int i = 0; i < n_vocab; i++) n_seen += all[i] >= 0 && all[i] < n_vocab && !seen[all[i]], seen[all[i]] = true;
    CHECK_INT(n_seen, n_vocab);
    free(all);
    free(seen);
    ft_session_free(s);
    end();
}

/* Whoever runs beside it, however little memory there is, shared or not: the same bits; and what is shared is
   not computed. */
TEST(score, the_same_in_every_company) {
    static const int places[] = {1, 2, 5, 32};
    char expected[65], got[65];
    ft_error err;
    if (!begin(NULL)) return;
    uint64_t fed = 0;
    size_t page = 0;
    for (int round = 0; round < 24; round += STEP) {
        const bool alone = round % 2 == 0;
        const size_t most = round / 8 == 0 ? 0 : (round / 8 == 1 ? 5 : 9) * page; /* 289 tokens are 5 pages */
        write_texts();
        ft_session *s = session_of(1 + round % 3, places[round / 2 % 4], most, alone);
        if (!CHECK_OK(ft_session_score(s, requests, N_TEXTS, &err), err)) break;
        digest_of(round ? got : expected);
        if (round) CHECK_TEXT(got, expected);
        ft_session_stats stats = ft_session_get_stats(s);
        if (round == 0) fed = stats.tokens_computed;
        if (round == 0) page = stats.kv_bytes_peak / 5; /* one place */
        CHECK(!most || stats.kv_bytes_peak <= most);
        CHECK_INT(stats.tokens_computed + stats.tokens_shared, fed);
        /* 1: 3 pages of 199; 2: 2 of 128; 5: 1 of 69 (3 is another variant's) */
        if (!most) CHECK_INT(stats.tokens_shared, alone ? 0 : 64 * (3 + 2 + 1));
        CHECK_OK(ft_session_score(s, requests, N_TEXTS, &err), err); /* again: from what was kept */
        digest_of(got);
        CHECK_TEXT(got, expected);
        stats = ft_session_get_stats(s);
        CHECK_INT(stats.tokens_computed + stats.tokens_shared, 2 * fed);
        if (!most && !alone && round > 2) CHECK(stats.tokens_shared > 64 * 12);
        ft_session_free(s);
    }
    end();
}

/* ---- what a completion says of its tokens */

TEST(score, completions_have_the_same) {
    ft_error err;
    if (!begin(NULL)) return;
    write_texts();
    ft_session *s = session_of(2, 3, 0, false);
    ft_request generate[4];
    ft_completion out[4];
    memset(generate, 0, sizeof generate);
    for (int i = 0; i < 4; i++) {
        generate[i].variant = i % 2;
        generate[i].prompt = texts[i].tokens;
        generate[i].n_prompt = 60 + i * 20;
        generate[i].max_tokens = 30;
        generate[i].sampling.temperature = i ? 1.5f : 0;
        generate[i].sampling.top_k = 40;
        generate[i].want_logprobs = i != 2;
    }
    CHECK_OK(ft_session_generate(s, generate, 4, out, NULL, &err), err);
    for (int i = 0; i < 4; i++) {
        int32_t tokens[200];
        float logprobs[200];
        const int n = generate[i].n_prompt, more = out[i].n_tokens;
        CHECK((out[i].logprobs != NULL) == (i != 2));
        if (!CHECK(more > 0) || i == 2) continue;
        memcpy(tokens, generate[i].prompt, (size_t)n * sizeof *tokens);
        memcpy(tokens + n, out[i].tokens, (size_t)more * sizeof *tokens);
        ft_score_request r = {i % 2, tokens, n + more, n, logprobs, 0, NULL, NULL};
        CHECK_OK(ft_session_score(s, &r, 1, &err), err);
        CHECK(memcmp(logprobs, out[i].logprobs, (size_t)more * sizeof *logprobs) == 0);
    }
    ft_completions_free(s, out, 4);
    ft_session_free(s);
    end();
}

/* ---- what is refused */

TEST(score, wrong_requests) {
    ft_error err;
    float logprobs[LONGEST];
    int32_t bad[3] = {1, 2, -1}, top[8];
    if (!begin(NULL)) return;
    write_texts();
    const int32_t *good = texts[0].tokens;
    static int32_t longer[301];
    ft_session *s = session_of(1, 0, 0, false);
    const struct { ft_score_request r; ft_status status; const char *needle; } wrong[] = {
        {{0, good, 1, 0, logprobs, 0, NULL, NULL}, FT_ERR_ARGUMENT, "request 1: 1 tokens"},
        {{0, good, 0, 0, logprobs, 0, NULL, NULL}, FT_ERR_ARGUMENT, "0 tokens, the first to score 0"},
        {{0, good, 5, 5, logprobs, 0, NULL, NULL}, FT_ERR_ARGUMENT, "5 tokens, the first to score 5: expected"},
        {{0, good, 5, -1, logprobs, 0, NULL, NULL}, FT_ERR_ARGUMENT, "the first to score -1"},
        {{0, good, 5, 0, logprobs, -1, top, NULL}, FT_ERR_ARGUMENT, "request 1: top_k -1: expected 0 to "},
        {{0, good, 5, 0, logprobs, n_vocab + 1, top, NULL}, FT_ERR_ARGUMENT, "top_k "},
        {{0, good, 5, 0, logprobs, 2, NULL, NULL}, FT_ERR_ARGUMENT, "and top_tokens for them"},
        {{2, good, 5, 0, logprobs, 0, NULL, NULL}, FT_ERR_ARGUMENT, "request 1: variant: found 2, expected 0 to 1"},
        {{0, longer, 301, 0, logprobs, 0, NULL, NULL}, FT_ERR_CONTEXT, "request 1: 301 tokens are over the context of 300"},
        {{0, bad, 3, 0, logprobs, 0, NULL, NULL}, FT_ERR_TOKEN, "request 1: token 2 is -1"}}; /* never fed */
    for (size_t i = 0; i < FT__COUNT(wrong); i++) {
        ft_score_request two[2] = {{0, good, 5, 0, logprobs, 0, NULL, NULL}, wrong[i].r};
        CHECK_ERROR(ft_session_score(s, two, 2, &err), wrong[i].status, err, wrong[i].needle);
        CHECK_INT(ft_session_score(s, two, 2, NULL), wrong[i].status);
    }
    CHECK_INT(ft_session_get_stats(s).tokens_computed, 0); /* nothing ran */
    ft_score_request r = {0, good, 290, 0, logprobs, 0, NULL, NULL};
    CHECK_OK(ft_session_score(s, &r, 1, &err), err);
    size_t five = ft_session_get_stats(s).kv_bytes_peak;
    ft_session_free(s);
    s = session_of(1, 0, five - 1, false);
    CHECK_ERROR(ft_session_score(s, &r, 1, &err), FT_ERR_LIMIT, err, "request 0: 289 tokens take 5 pages of ");
    CHECK_INT(ft_session_get_stats(s).tokens_computed, 0);
    r.n_tokens = 257; /* 256 of them cached */
    CHECK_OK(ft_session_score(s, &r, 1, &err), err);
    int sequence;
    CHECK_OK(ft_session_open(s, 0, &sequence, &err), err);
    CHECK_INT(sequence, 0); /* none was left open */
    ft_session_free(s);
    end();
}

/* ---- out of memory */

TEST(score, out_of_memory) {
    test_memory memory;
    ft_error err;
    char expected[65], got[65];
    memset(&memory, 0, sizeof memory);
    ft_allocator a = test_allocator(&memory);
    if (!begin(&a)) return;
    write_texts();
    ft_session *s = session_of(1, 2, 0, false);
    CHECK_OK(ft_session_score(s, requests, N_TEXTS, &err), err);
    digest_of(expected);
    ft_session_free(s);
    const long live = memory.live;
    ft_status status = FT_ERR_MEMORY;
    long n = 0;
    for (; status && n < 100; n++) {
        s = session_of(1, 2, 0, false);
        memory.fail_at = memory.requests + n + 1;
        write_texts();
        status = ft_session_score(s, requests, N_TEXTS, &err);
        if (status) CHECK_ERROR(status, FT_ERR_MEMORY, err, "out of memory");
        memory.fail_at = 0;
        if (status) CHECK_OK(ft_session_score(s, requests, N_TEXTS, &err), err); /* the session is as good as new */
        digest_of(got);
        CHECK_TEXT(got, expected);
        ft_session_free(s);
        CHECK_INT(memory.live, live);
    }
    test_note("%ld requests for memory", n);
    CHECK(n > 8 && n < 100);
    end();
    CHECK_INT(memory.live, 0);
}
