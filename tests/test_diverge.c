/* Token by token: against all logits, worked out the long way, and against itself in every company. */
#include "test.h"
#include "tiny.h"
#include "../src/run/run.h"

enum { N_ROWS = 70, N_PROMPT = 9, N_REFERENCE = 21, N_OUTPUT = 24 };

static ft_model *model;
static ft_adapter *adapter, *zeros;
static int n_vocab;

static bool begin(const ft_allocator *a) {
    static const tiny_adapter tuned = {4, 8, 1, 0.05f, 0, FT__FORMAT_F32, false};
    static const tiny_adapter nothing = {4, 8, 1, 0, 0, FT__FORMAT_F32, false};
    ft_error err;
    ft_model_desc desc;
    memset(&desc, 0, sizeof desc);
    if (a) desc.allocator = *a;
    tiny_write_model(test_path("base.gguf"), NULL);
    tiny_write_adapter(test_path("adapter.gguf"), NULL, &tuned);
    tiny_write_adapter(test_path("zeros.gguf"), NULL, &nothing);
    model = ft_model_load(test_path("base.gguf"), &desc, &err);
    if (!CHECK_OK(model ? FT_OK : err.code, err)) return false;
    adapter = ft_adapter_load(model, test_path("adapter.gguf"), &err);
    zeros = ft_adapter_load(model, test_path("zeros.gguf"), &err);
    n_vocab = tiny_vocab_size();
    return CHECK(adapter && zeros);
}

static void end(void) {
    ft_adapter_free(adapter);
    ft_adapter_free(zeros);
    ft_model_free(model);
}

/* A session whose variant 1 has the adapter, and 2 the zeros. */
static ft_session *session_of(int threads, int max_sequences, size_t kv_bytes) {
    ft_error err;
    ft_session_desc desc = {threads, 64, FT_KV_F16, 50, max_sequences, kv_bytes, false};
    ft_adapter_use uses[2] = {{adapter, 1}, {zeros, 1}};
    int variant;
    ft_session *s = ft_session_create(model, &desc, &err);
    if (!CHECK_OK(s ? FT_OK : err.code, err)) return NULL;
    for (int i = 0; i < 2; i++) CHECK_OK(ft_session_add_variant(s, &uses[i], 1, &variant, &err), err);
    return s;
}

static int32_t prompts[N_ROWS][N_PROMPT], references[N_ROWS][N_REFERENCE];
static ft_completion outputs[2 * N_ROWS]; /* of base and candidate by turns */
static ft_diverge_request requests[N_ROWS];

/* Prompts, references and greedy outputs; some requests lack some of these. */
static void write_requests(ft_session *s) {
    ft_request asks[2 * N_ROWS];
    ft_error err;
    uint32_t x = 5;
    memset(asks, 0, sizeof asks);
    memset(requests, 0, sizeof requests);
    for (int i = 0; i < N_ROWS; i++) {
        for (int t = 0; t < N_PROMPT; t++)
            prompts[i][t] = (int32_t)((x = x * 1664525u + 1013904223u) >> 8) % n_vocab;
        for (int t = 0; t < N_REFERENCE; t++)
            references[i][t] = (int32_t)((x = x * 1664525u + 1013904223u) >> 8) % n_vocab;
        for (int v = 0; v < 2; v++) {
            asks[2 * i + v].variant = v;
            asks[2 * i + v].prompt = prompts[i];
            asks[2 * i + v].n_prompt = N_PROMPT;
            asks[2 * i + v].max_tokens = N_OUTPUT;
        }
    }
    CHECK_OK(ft_session_generate(s, asks, 2 * N_ROWS, outputs, NULL, &err), err);
    for (int i = 0; i < N_ROWS; i++) {
        ft_diverge_request *r = &requests[i];
        r->prompt = prompts[i];
        r->n_prompt = N_PROMPT;
        if (i % 3) r->reference = references[i], r->n_reference = i % 5 ? N_REFERENCE : i % 4;
        if (i % 4 == 1) continue;
        r->base_output = outputs[2 * i].tokens;
        r->n_base_output = outputs[2 * i].n_tokens;
        r->output = outputs[2 * i + 1].tokens;
        r->n_output = outputs[2 * i + 1].n_tokens;
        if (i % 7 == 0) r->output = r->base_output, r->n_output = r->n_base_output;
        if (i % 7 == 2) r->n_output = i % 4; /* ended early */
    }
}

/* Logits (n, n_vocab) of some tokens; free() them. */
static float *logits_of(ft_session *s, int variant, const int32_t *tokens, int n) {
    float *logits = (float *)malloc(sizeof(float) * (size_t)n * (size_t)n_vocab);
    ft_error err;
    int sequence;
    CHECK_OK(ft_session_open(s, variant, &sequence, &err), err);
    ft_feed feed = {sequence, tokens, n, NULL, logits};
    CHECK_OK(ft_session_decode(s, &feed, 1, &err), err);
    ft_session_close(s, sequence);
    return logits;
}

static int best_of(const float *logits) {
    int best = 0;
    for (int i = 1; i < n_vocab; i++) best = logits[i] > logits[best] ? i : best;
    return best;
}

/* Log-probs of all tokens. */
static void log_probs(const float *logits, double *out) {
    double sum = 0;
    for (int i = 0; i < n_vocab; i++) sum += ft__exp((double)logits[i]);
    for (int i = 0; i < n_vocab; i++) out[i] = (double)logits[i] - ft__log(sum);
}

static void check_reference(ft_session *s, const ft_diverge_request *r, const ft_divergence *d) {
    const int32_t *reference = r->reference ? r->reference : r->base_output;
    const int n = r->reference ? r->n_reference : r->n_base_output;
    int32_t tokens[64];
    double kl = 0, most = 0, sums[2] = {0, 0}, log_p[1024], log_q[1024];
    int agree = 0;
    if (!CHECK(n_vocab <= 1024) || !reference) return;
    memcpy(tokens, r->prompt, sizeof *tokens * (size_t)r->n_prompt);
    if (n) memcpy(tokens + r->n_prompt, reference, sizeof *tokens * (size_t)n);
    float *base = logits_of(s, 0, tokens, r->n_prompt + n), *tuned = logits_of(s, 1, tokens, r->n_prompt + n);
    for (int t = r->n_prompt; t < r->n_prompt + n; t++) {
        const float *p = base + (t - 1) * n_vocab, *q = tuned + (t - 1) * n_vocab;
        double here = 0;
        log_probs(p, log_p);
        log_probs(q, log_q);
        for (int i = 0; i < n_vocab; i++) here += ft__exp(log_p[i]) * (log_p[i] - log_q[i]);
        kl += here;
        most = here > most ? here : most;
        sums[0] += log_p[tokens[t]];
        sums[1] += log_q[tokens[t]];
        agree += best_of(p) == best_of(q);
    }
    CHECK_INT(d->n_tokens, n);
    CHECK_INT(d->n_agree, agree);
    CHECK_INT(d->n_changed, n);
    CHECK_NEAR(d->kl_sum, kl, 1e-11);
    CHECK_NEAR(d->kl_max, most, 1e-12);
    CHECK_NEAR(d->base_logprob, sums[0], 1e-5);
    CHECK_NEAR(d->logprob, sums[1], 1e-5);
    free(base);
    free(tuned);
}

static void check_top(const ft_alternative *top, const float *logits) {
    double log_p[1024];
    log_probs(logits, log_p);
    CHECK_INT(top[0].token, best_of(logits));
    for (int k = 0; k < FT_ALTERNATIVES; k++) {
        CHECK_NEAR(top[k].logprob, log_p[top[k].token], 1e-5);
        if (k) CHECK(logits[top[k].token] <= logits[top[k - 1].token]);
    }
}

/* What the base would have drafted, from its logits at every place of the candidate's output. */
static void check_outputs(ft_session *s, const ft_diverge_request *r, const ft_divergence *d) {
    int32_t tokens[64];
    int common = 0, accepted = 0, drafts = 0, draft_accepted = 0, in_draft = 0;
    memcpy(tokens, r->prompt, sizeof *tokens * (size_t)r->n_prompt);
    if (r->n_output) memcpy(tokens + r->n_prompt, r->output, sizeof *tokens * (size_t)r->n_output);
    float *base = logits_of(s, 0, tokens, r->n_prompt + r->n_output);
    float *tuned = logits_of(s, 1, tokens, r->n_prompt + r->n_output);
    while (common < r->n_output && common < r->n_base_output && r->output[common] == r->base_output[common])
        common++;
    if (common == r->n_output && common == r->n_base_output) common = -1;
    CHECK(d->compared);
    CHECK_INT(d->first_difference, common);
    CHECK_INT(d->n_top, common < 0 ? 0 : FT_ALTERNATIVES);
    if (common >= 0) check_top(d->base_top, base + (r->n_prompt + common - 1) * n_vocab);
    if (common >= 0) check_top(d->top, tuned + (r->n_prompt + common - 1) * n_vocab);
    bool own = false; /* this token the candidate writes itself */
    for (int t = 0; t < r->n_output; t++) {
        const bool drafted = best_of(base + (r->n_prompt + t - 1) * n_vocab) == r->output[t];
        accepted += drafted;
        if (own) { /* after a full draft */
            own = false;
        } else if (!drafted) {
            drafts++, draft_accepted += in_draft, in_draft = 0;
        } else if (++in_draft == 4) {
            drafts++, draft_accepted += 4, in_draft = 0, own = true;
        }
    }
    CHECK_INT(d->n_output, r->n_output);
    CHECK_INT(d->n_accepted, accepted);
    CHECK_INT(d->n_drafts, drafts);
    CHECK_INT(d->n_draft_accepted, draft_accepted);
    free(base);
    free(tuned);
}

TEST(diverge, is_that_of_all_logits) {
    ft_divergence out[N_ROWS];
    ft_error err;
    int n_same = 0, n_differ = 0, n_accepted = 0;
    if (!begin(NULL)) return;
    ft_session *s = session_of(2, 0, 0);
    write_requests(s);
    CHECK_OK(ft_diverge((ft_reader){s, 0}, (ft_reader){s, 1}, requests, N_ROWS, out, &err), err);
    for (int i = 0; i < N_ROWS; i++) {
        const bool compared = requests[i].output != NULL;
        check_reference(s, &requests[i], &out[i]);
        if (compared) check_outputs(s, &requests[i], &out[i]);
        else CHECK(!out[i].compared && out[i].first_difference == -1 && out[i].n_output == 0);
        n_same += compared && out[i].first_difference < 0;
        n_differ += out[i].first_difference > 0;
        n_accepted += out[i].n_accepted;
    }
    CHECK(n_same > 0 && n_differ > 0 && n_accepted > 0); /* else the test shows little */
    test_note("%d outputs the same, %d differ later than at once", n_same, n_differ);
    ft_completions_free(s, outputs, 2 * N_ROWS);
    ft_session_free(s);
    end();
}

TEST(diverge, the_same_in_every_company) {
    static const struct {
        int threads, max_sequences;
        size_t kv_bytes;
    } ways[] = {{1, 1, 0}, {3, 5, 0}, {2, 40, 0}, {1, 32, 40000}};
    ft_divergence all[N_ROWS], again[N_ROWS];
    ft_error err;
    if (!begin(NULL)) return;
    ft_session *s = session_of(2, 0, 0), *two;
    write_requests(s);
    CHECK_OK(ft_diverge((ft_reader){s, 0}, (ft_reader){s, 1}, requests, N_ROWS, all, &err), err);
    for (size_t i = 0; i < FT__COUNT(ways); i++) {
        ft_session *other = session_of(ways[i].threads, ways[i].max_sequences, ways[i].kv_bytes);
        ft_session *reads = i % 2 ? s : other; /* base and candidate in two sessions */
        CHECK_OK(ft_diverge((ft_reader){reads, 0}, (ft_reader){other, 1}, requests, N_ROWS, again, &err), err);
        CHECK(memcmp(all, again, sizeof all) == 0);
        ft_session_free(other);
    }
    for (int i = 0; i < N_ROWS; i += 9) {
        CHECK_OK(ft_diverge((ft_reader){s, 0}, (ft_reader){s, 1}, &requests[i], 1, again, &err), err);
        CHECK(memcmp(&all[i], again, sizeof *again) == 0);
    }
    two = session_of(1, 0, 0);
    CHECK_OK(ft_diverge((ft_reader){s, 0}, (ft_reader){two, 2}, requests, N_ROWS, again, &err), err);
    for (int i = 0; i < N_ROWS; i++) { /* an adapter of zeros is the base, bit for bit */
        CHECK(again[i].n_changed == 0 && again[i].kl_sum == 0 && again[i].n_agree == again[i].n_tokens);
        CHECK(again[i].logprob == again[i].base_logprob && again[i].n_tokens == all[i].n_tokens);
    }
    ft_session_free(two);
    ft_completions_free(s, outputs, 2 * N_ROWS);
    ft_session_free(s);
    end();
}

TEST(diverge, references_as_text_and_longer_than_the_context) {
    static const char prompt[] = "Hello there", text[] = " general of the world";
    ft_text_request words = {0, prompt, sizeof prompt - 1, text, sizeof text - 1, FT_TOKENIZE_DEFAULT, NULL};
    int32_t tokens[64], first[2] = {1, 5};
    ft_likelihood l[2];
    ft_divergence out[2];
    ft_diverge_request r[2];
    ft_error err;
    if (!begin(NULL)) return;
    ft_session *s = session_of(1, 0, 0);
    memset(r, 0, sizeof r);
    for (int i = 0; i < 64; i++) tokens[i] = i + 3;
    r[0].prompt = first, r[0].n_prompt = 2, r[0].text = &words;
    r[1].prompt = first, r[1].n_prompt = 2, r[1].reference = tokens, r[1].n_reference = 64;
    CHECK_OK(ft_diverge((ft_reader){s, 0}, (ft_reader){s, 1}, r, 2, out, &err), err);
    CHECK_OK(ft_session_score_texts(s, &words, 1, &l[0], &err), err);
    words.variant = 1;
    CHECK_OK(ft_session_score_texts(s, &words, 1, &l[1], &err), err);
    CHECK_INT(out[0].n_tokens, l[0].n_tokens);
    CHECK(out[0].base_logprob == l[0].logprob && out[0].logprob == l[1].logprob && out[0].n_tokens > 3);
    CHECK_INT(out[1].n_tokens, 62); /* of a context of 64 */
    ft_session_free(s);
    end();
}

TEST(diverge, wrong_requests) {
    static const int32_t prompt[2] = {1, 5}, wild[1] = {1 << 20};
    const struct {
        ft_diverge_request r;
        int variant;
        ft_status status;
        const char *says;
    } cases[] = {
        {{NULL, 0, NULL, 0, NULL, NULL, 0, NULL, 0}, 1, FT_ERR_ARGUMENT, "request 0: expected a prompt"},
        {{prompt, 0, NULL, 0, NULL, NULL, 0, NULL, 0}, 1, FT_ERR_ARGUMENT, "request 0: expected a prompt"},
        {{wild, 1, prompt, 2, NULL, NULL, 0, NULL, 0}, 1, FT_ERR_TOKEN, "request 0: token 0 is 1048576"},
        {{prompt, 2, wild, 1, NULL, NULL, 0, NULL, 0}, 1, FT_ERR_TOKEN, "request 0: token 0 is 1048576"},
        {{prompt, 2, NULL, 0, NULL, prompt, 2, wild, 1}, 1, FT_ERR_TOKEN, "request 0: token 0 is 1048576"},
        {{prompt, 2, prompt, -1, NULL, NULL, 0, NULL, 0}, 1, FT_ERR_ARGUMENT, "request 0: -1 tokens"},
        {{prompt, 2, prompt, 2, NULL, NULL, 0, NULL, 0}, 9, FT_ERR_ARGUMENT, "variant: found 9"},
    };
    ft_divergence out;
    ft_error err;
    if (!begin(NULL)) return;
    ft_session *s = session_of(1, 0, 0);
    for (size_t i = 0; i < FT__COUNT(cases); i++)
        CHECK_ERROR(ft_diverge((ft_reader){s, 0}, (ft_reader){s, cases[i].variant}, &cases[i].r, 1, &out, &err),
                    cases[i].status, err, cases[i].says);
    /* One token is spelled otherwise, then: what it means, nobody knows. */
    size_t n;
    const char *spelling = tiny_token(270);
    char *file = test_read(test_path("base.gguf"), &n), *at = file, old[64] = {0};
    old[0] = (char)strlen(spelling);
    memcpy(old + 8, spelling, strlen(spelling));
    while (at < file + n && memcmp(at, old, 8 + strlen(spelling)) != 0) at++;
    CHECK(at < file + n);
    at[8] = at[8] == 'Q' ? 'R' : 'Q';
    test_write(test_path("other.gguf"), file, n);
    free(file);
    ft_session *other = ft_session_load(test_path("other.gguf"), NULL, &err);
    if (CHECK_OK(other ? FT_OK : err.code, err)) {
        CHECK(!ft_model_same_vocabulary(model, other->model));
        ft_status status = ft_diverge((ft_reader){s, 0}, (ft_reader){other, 0}, &cases[5].r, 1, &out, &err);
        CHECK_ERROR(status, FT_ERR_MISMATCH, err, "different vocabularies");
    }
    ft_session_free(other);
    ft_session_free(s);
    end();
}

TEST(diverge, out_of_memory) {
    test_memory memory;
    ft_error err;
    ft_divergence out[3];
    memset(&memory, 0, sizeof memory);
    ft_allocator a = test_allocator(&memory);
    if (!begin(&a)) return;
    ft_session *s = session_of(1, 0, 0);
    write_requests(s);
    ft_session_free(s);
    ft_status status = FT_ERR_MEMORY;
    long tried = 0;
    for (; status && tried < 500; tried++) {
        s = session_of(1, 0, 0);
        const long live = memory.live;
        memory.fail_at = memory.requests + tried + 1;
        status = ft_diverge((ft_reader){s, 0}, (ft_reader){s, 1}, requests, 3, out, &err);
        memory.fail_at = 0;
        if (status && !CHECK_INT(status, FT_ERR_MEMORY)) break;
        CHECK(memory.live >= live); /* the session keeps pages, which end with it */
        ft_session_free(s);
    }
    CHECK(!status && tried > 5);
    s = session_of(1, 0, 0);
    ft_completions_free(s, outputs, 2 * N_ROWS);
    ft_session_free(s);
    end();
    CHECK_INT(memory.live, 0);
    test_note("%ld requests for memory", tried - 1);
}
