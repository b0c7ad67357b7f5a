/* How likely texts are: after prompts, in windows, as choices, for a judge; and jobs that judge by it. */
#include "test.h"

#include "../src/release/release.h"
#include "../src/run/run.h"
#include "gguf_edit.h"
#include "tiny.h"

static ft_session *open_session(int n_ctx) {
    ft_error err;
    ft_session_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.threads = 2;
    desc.n_ctx = n_ctx;
    tiny_write_model(test_path("base.gguf"), NULL);
    ft_session *s = ft_session_load(test_path("base.gguf"), &desc, &err);
    CHECK_OK(s ? FT_OK : err.code, err);
    return s;
}

static ft_text_request text_of(const char *prompt, const char *text) {
    ft_text_request r = {0, prompt, strlen(prompt), text, strlen(text), FT_TOKENIZE_DEFAULT, "here"};
    return r;
}

/* The log-probs of all tokens of prompt + text from the first that the prompt alone does not have. */
static double by_tokens(ft_session *s, const char *prompt, const char *text, int *n_scored) {
    char whole[512];
    int32_t a[600], b[600];
    size_t n_a, n_b;
    float logprobs[600];
    ft_error err;
    double sum = 0;
    snprintf(whole, sizeof whole, "%s%s", prompt, text);
    ft_tokenize(s->model, prompt, strlen(prompt), FT_TOKENIZE_DEFAULT, a, 600, &n_a, &err);
    ft_tokenize(s->model, whole, strlen(whole), FT_TOKENIZE_DEFAULT, b, 600, &n_b, &err);
    int first = 0;
    while (first < (int)n_a && first < (int)n_b && a[first] == b[first]) first++;
    ft_score_request r = {0, b, (int)n_b, first, logprobs, 0, NULL, NULL};
    CHECK_OK(ft_session_score(s, &r, 1, &err), err);
    *n_scored = (int)n_b - first;
    for (int i = 0; i < *n_scored; i++) sum += (double)logprobs[i];
    return sum;
}

TEST(likelihood, texts_after_prompts) {
    static const char *const rows[][2] = {{"Once upon", " a time"}, {"Once upon ", "a time"},
                                          {"", "alone"}, {"x", "y"}, {"the sa", "me word"}};
    ft_session *s = open_session(0);
    ft_text_request requests[5];
    ft_likelihood out[5];
    ft_error err;
    for (int i = 0; i < 5; i++) requests[i] = text_of(rows[i][0], rows[i][1]);
    CHECK_OK(ft_session_score_texts(s, requests, 5, out, &err), err);
    for (int i = 0; i < 5; i++) {
        int n;
        double sum = by_tokens(s, rows[i][0], rows[i][1], &n);
        CHECK(out[i].logprob == sum && out[i].logprob < 0);
        CHECK_INT(out[i].n_tokens, n);
        CHECK_INT(out[i].n_bytes, strlen(rows[i][1]));
    }
    ft_session_free(s);
}

TEST(likelihood, nothing_and_too_much) {
    ft_session *s = open_session(16);
    ft_error err;
    ft_likelihood out[2];
    ft_text_request requests[2] = {text_of("a prompt", ""), text_of("a", "b")};
    CHECK_OK(ft_session_score_texts(s, requests, 2, out, &err), err);
    CHECK_INT(out[0].n_tokens, 0);
    CHECK(out[0].logprob == 0 && out[1].n_tokens > 0);
    CHECK_NEAR(ft_perplexity(&out[0]), 1, 0);
    CHECK_NEAR(ft_bits_per_byte(&out[0]), 0, 0);
    requests[1] = text_of("one two three four five six seven", " eight nine ten eleven twelve thirteen");
    CHECK_ERROR(ft_session_score_texts(s, requests, 2, out, &err), FT_ERR_CONTEXT, err, "here: ");
    CHECK_ERROR(ft_session_score_long(s, 0, "", 0, out, &err), FT_ERR_DATA, err, "too few tokens");
    ft_session_free(s);
}

TEST(likelihood, long_texts_in_windows) {
    char text[400] = "";
    ft_error err;
    ft_likelihood whole, windows;
    int n;
    for (int i = 0; i < 30; i++) snprintf(text + strlen(text), sizeof text - strlen(text), "word %d, ", i);
    ft_session *s = open_session(512);
    CHECK_OK(ft_session_score_long(s, 0, text, strlen(text), &whole, &err), err);
    CHECK(whole.logprob == by_tokens(s, "", text, &n));
    CHECK_INT(whole.n_tokens, n);
    CHECK_NEAR(ft_perplexity(&whole), ft__exp(-whole.logprob / n), 1e-12);
    CHECK_NEAR(ft_bits_per_byte(&whole), -whole.logprob / ft__log(2) / (double)strlen(text), 1e-12);
    ft_session_free(s);
    for (int n_ctx = 2; n_ctx < 40; n_ctx += 5) {
        s = open_session(n_ctx);
        CHECK_OK(ft_session_score_long(s, 0, text, strlen(text), &windows, &err), err);
        CHECK_INT(windows.n_tokens, n);
        CHECK(windows.logprob < 0 && windows.logprob != whole.logprob);
        ft_session_free(s);
    }
}

/* ---- evaluators, from given likelihoods */

static ft_score judge_options(const char *name, const char *params, const char *row_json,
                              const ft_likelihood *options, const ft_likelihood *alone, int n) {
    ft_error err = {FT_OK, "", ""};
    ft_output o = {NULL, 0, options, alone, n};
    ft_score s;
    ft_evaluator *e = ft_evaluator_create(name, params, NULL, &err);
    ft_row *row = ft_row_parse(row_json, strlen(row_json), NULL, &err);
    memset(&s, 0, sizeof s);
    if (CHECK_OK(err.code, err)) CHECK_OK(ft_evaluate_output(e, row, &o, &s, &err), err);
    ft_row_free(row);
    ft_evaluator_free(e);
    return s;
}

TEST(likelihood, choices) {
    static const char row[] = "{\"choices\": [\"a\", \"bb\", \"cccc\"], \"answer\": \"cccc\"}";
    static const char *const norms[] = {"none", "tokens", "bytes", "alone"};
    const ft_likelihood options[3] = {{-2, 1, 1}, {-3, 2, 2}, {-4, 2, 4}};
    const ft_likelihood alone[3] = {{-1, 1, 1}, {-2, 2, 2}, {-8, 2, 4}};
    /* best by none: 0; by tokens -2 -1.5 -2: 1; by bytes -2 -1.5 -1: 2; less alone -1 -1 4: 2 */
    const int best[] = {0, 1, 2, 2};
    for (int i = 0; i < 4; i++) {
        char params[64];
        snprintf(params, sizeof params, "{\"normalize\": \"%s\"}", norms[i]);
        ft_score s = judge_options("choice_accuracy", params, row, options, alone, 3);
        CHECK_INT(s.state, FT_SCORED);
        CHECK_NEAR(s.value, best[i] == 2, 0);
    }
    const double e2 = ft__exp(-2), e3 = ft__exp(-3), e4 = ft__exp(-4), sum = e2 + e3 + e4;
    ft_score p = judge_options("choice_probability", NULL, row, options, NULL, 3);
    CHECK_NEAR(p.value, e4 / sum, 1e-14);
    ft_score b = judge_options("choice_brier", NULL, row, options, NULL, 3);
    CHECK_NEAR(b.value, (e2 / sum) * (e2 / sum) + (e3 / sum) * (e3 / sum) + (e4 / sum - 1) * (e4 / sum - 1), 1e-14);
}

TEST(likelihood, choices_that_cannot_be_judged) {
    const ft_likelihood options[2] = {{-2, 1, 1}, {-3, 2, 2}}, bad[2] = {{-2, 1, 1}, {0.0 / 0.0, 2, 2}};
    static const struct {
        const char *row, *params, *why;
    } rows[] = {
        {"{\"answer\": 0}", NULL, "choices"},
        {"{\"choices\": [\"a\"], \"answer\": 0}", NULL, "at least two"},
        {"{\"choices\": [\"a\", \"b\"]}", NULL, "answer"},
        {"{\"choices\": [\"a\", \"b\"], \"answer\": 2}", NULL, "0 to 1"},
        {"{\"choices\": [\"a\", \"b\"], \"answer\": \"c\"}", NULL, "0 to 1"},
        {"{\"choices\": [\"a\", \"b\", \"c\"], \"answer\": 0}", NULL, "2 likelihoods for 3"},
        {"{\"choices\": [\"a\", \"b\"], \"answer\": 0}", "{\"normalize\": \"alone\"}", "empty prompt"}};
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        ft_score s = judge_options("choice_accuracy", rows[i].params, rows[i].row, options, NULL, 2);
        CHECK_INT(s.state, FT_SCORE_ERROR);
        if (!CHECK(strstr(s.detail, rows[i].why) != NULL)) test_note("%s", s.detail);
    }
    ft_score s = judge_options("choice_accuracy", NULL, "{\"choices\": [\"a\", \"b\"], \"answer\": 0}", bad, NULL, 2);
    CHECK_INT(s.state, FT_SCORE_ERROR);
    s = judge_options("choice_accuracy", NULL, "{\"choices\": [\"a\", \"b\"], \"answer\": 0}", NULL, NULL, 0);
    CHECK_INT(s.state, FT_MISSING);
}

TEST(likelihood, a_judges_grade_is_a_mean) {
    const ft_likelihood grades[3] = {{-1, 1, 1}, {-2, 1, 1}, {-1, 1, 1}};
    const char *params = "{\"rubric\": \"r\", \"grades\": [1, 2, 3]}";
    ft_score s = judge_options("judge", params, "{}", grades, NULL, 3);
    CHECK_NEAR(s.value, 0.5, 1e-15);
    const ft_likelihood sure[3] = {{-1000, 1, 1}, {-1000, 1, 1}, {-1, 1, 1}};
    s = judge_options("judge", params, "{}", sure, NULL, 3);
    CHECK_NEAR(s.value, 1, 0);
    CHECK_TEXT(s.detail, "most likely grade: 3");
    s = judge_options("judge", params, "{}", sure, NULL, 2);
    CHECK_INT(s.state, FT_SCORE_ERROR);
    static const char *const wrong[] = {"{}", "{\"rubric\": \"r\", \"grades\": [\"1\"]}",
                                        "{\"rubric\": \"r\", \"grades\": [\"1\", \"\"]}",
                                        "{\"rubric\": \"r\", \"model\": 5}", "{\"rubric\": \"\"}",
                                        "{\"rubric\": \"r\", \"template\": \"{{rubric}} {{prompt}}\"}"};
    for (size_t i = 0; i < FT__COUNT(wrong); i++) {
        ft_error err;
        CHECK(!ft_evaluator_create("judge", wrong[i], NULL, &err));
        CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, "judge: parameter");
    }
}

TEST(likelihood, a_judge_reads_its_prompt) {
    static const char params[] =
        "{\"rubric\": \"be brief\", \"grades\": [\"no\", \"yes\"],"
        " \"template\": \"{{rubric}}|{{prompt}}|{{output}}|{{expected}}|{{context}}|{{grades}}|{{x}}|\"}";
    static const char row_json[] = "{\"prompt\": \"why?\", \"context\": [\"a\", \"b\"]}";
    ft_error err = {FT_OK, "", ""};
    ft__arena arena;
    ft_text_request asked[2];
    ft_likelihood out[2];
    ft_score s, same;
    ft_session *session = open_session(0);
    ft_evaluator *e = ft_evaluator_create("judge", params, NULL, &err);
    ft_row *row = ft_row_parse(row_json, strlen(row_json), NULL, &err);
    if (!CHECK(e && row && session)) return;
    ft__view answer = {"so", 2};
    ft__arena_init(&arena, &e->arena.allocator);
    CHECK_OK(ft__judge_texts(e, row, answer, &arena, asked, &err), err);
    CHECK_TEXT(asked[0].prompt, "be brief|why?|so||[\"a\",\"b\"]|no, yes|{{x}}|");
    CHECK(asked[0].text_len == 3 && memcmp(asked[0].text, " no", 3) == 0);
    ft_text_request requests[2] = {text_of(asked[0].prompt, " no"), text_of(asked[0].prompt, " yes")};
    CHECK_OK(ft_session_score_texts(session, requests, 2, out, &err), err);
    ft_output o = {"so", 2, out, NULL, 2};
    CHECK_OK(ft_evaluate_output(e, row, &o, &same, &err), err);
    CHECK_OK(ft_judge(e, session, row, "so", 2, &s, &err), err);
    CHECK(s.state == FT_SCORED && s.value == same.value && s.value > 0 && s.value < 1);
    CHECK_OK(ft_judge(e, session, row, NULL, 0, &s, &err), err);
    CHECK_INT(s.state, FT_MISSING);
    ft__arena_free(&arena);
    ft_row_free(row);
    ft_evaluator_free(e);
    ft_session_free(session);
}

TEST(likelihood, a_blank_comes_between) {
    static const struct {
        const char *before, *after;
        bool blank;
    } rows[] = {{"Grade:", "5", true}, {"Grade: ", "5", false}, {"Grade:\n", "5", false}, {"", "5", false},
                {"Note\xC3\xA9", "5", true}, {"x\xE3\x80\x80", "5", false}, {"Grade:", " 5", false}, {"x", "", false}};
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        ft__view before = {rows[i].before, strlen(rows[i].before)}, after = {rows[i].after, strlen(rows[i].after)};
        CHECK(ft__text_needs_blank(before, after) == rows[i].blank);
    }
}

/* ---- jobs */

static const char choice_rows[] =
    "{\"prompt\": \"The cat\", \"choices\": [\"sat\", \" ran away\"], \"answer\": 0, \"expected\": \"sat\"}\n"
    "{\"prompt\": \"The dog\", \"choices\": [\"ate\", \"sat\", \"x\"], \"answer\": \"x\", \"expected\": \"ate\"}\n";

static void write_job(const char *evaluators) {
    tiny_model options;
    tiny_adapter adapter;
    edit e;
    char job[2048];
    memset(&options, 0, sizeof options);
    memset(&adapter, 0, sizeof adapter);
    adapter.amplitude = 1;
    tiny_write_model(test_path("base.gguf"), &options);
    tiny_write_adapter(test_path("tuned.gguf"), &options, &adapter);
    options.seed = 9;
    tiny_write_model(test_path("sibling.gguf"), &options);
    edit_begin(&e, test_path("sibling.gguf"));
    edit_text(&e, "general.basename", "Judge");
    edit_save(&e, test_path("judge.gguf"));
    edit_begin(&e, test_path("base.gguf"));
    edit_text(&e, "general.basename", "Tiny");
    edit_save(&e, test_path("named.gguf"));
    test_write(test_path("rows.jsonl"), choice_rows, strlen(choice_rows));
    snprintf(job, sizeof job,
             "{\"base\": {\"model\": \"named.gguf\"}, \"candidates\": [{\"name\": \"tuned\", \"adapter\": "
             "\"tuned.gguf\"}], \"data\": [{\"path\": \"rows.jsonl\"}], \"prompt\": {\"template\": \"none\"},"
             " \"generate\": {\"max_tokens\": 4}, \"evaluators\": [%s],"
             " \"gate\": {\"rules\": [{\"evaluator\": \"one\", \"max_drop\": 9}]}, \"output\": \"run\"}",
             evaluators);
    test_write(test_path("job.json"), job, strlen(job));
}

static ft_result *run_job(const char *evaluators, int threads, ft_job **job, ft_error *err) {
    ft_compare_desc desc;
    memset(&desc, 0, sizeof desc);
    memset(err, 0, sizeof *err);
    desc.threads = threads;
    write_job(evaluators);
    *job = ft_job_load(test_path("job.json"), NULL, err);
    return *job ? ft_compare(*job, &desc, err) : NULL;
}

TEST(likelihood, a_job_of_choices_generates_nothing) {
    static const char evaluators[] =
        "{\"use\": \"choice_probability\", \"name\": \"one\"}, {\"use\": \"perplexity\"},"
        "{\"use\": \"choice_accuracy\", \"params\": {\"normalize\": \"alone\"}}";
    char digests[2][65];
    for (int i = 0; i < 2; i++) {
        ft_error err;
        ft_job *job;
        size_t n;
        int scored;
        ft_result *r = run_job(evaluators, 1 + i, &job, &err);
        if (!CHECK_OK(r ? FT_OK : err.code, err)) return;
        ft_session *s = ft_session_load(test_path("base.gguf"), NULL, &err);
        double sat = by_tokens(s, "The cat", " sat", &scored), ran = by_tokens(s, "The cat", " ran away", &scored);
        CHECK_NEAR(ft__result_score(r, 0, 0, 0)->value, 1 / (1 + ft__exp(ran - sat)), 1e-12);
        double ate = by_tokens(s, "The dog", " ate", &scored);
        CHECK_NEAR(ft__result_score(r, 1, 1, 0)->value, ft__exp(-ate / scored), 1e-9);
        CHECK(ft__result_score(r, 0, 0, 1)->value != ft__result_score(r, 0, 0, 0)->value);
        for (int e = 0; e < 3; e++) CHECK_INT(ft__result_score(r, e, 1, 1)->state, FT_SCORED);
        CHECK(!ft__result_answer(r, 0, 0, 0)->text);
        char *rows = test_read(test_path("run/rows.jsonl"), &n);
        CHECK(rows && strstr(rows, "\"output\":null") != NULL);
        free(rows);
        snprintf(digests[i], 65, "%s", ft_result_digest(r));
        ft_session_free(s);
        ft_result_free(r);
        ft_job_free(job);
    }
    CHECK_TEXT(digests[1], digests[0]);
}

/* A probe of choices beside rows with texts: only the texts are generated. */
TEST(likelihood, only_what_is_looked_at_is_generated) {
    static const char probe[] = "{\"id\": \"p\", \"prompt\": \"x\", \"choices\": [\"a\", \"b\"], \"answer\": 0}\n";
    static const char *const set =
        "probes={\"general\": {\"path\": \"probe.jsonl\", \"evaluator\": \"choice_accuracy\", \"max_drop\": 1}}";
    ft_error err;
    ft_job_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.sets = &set;
    desc.n_sets = 1;
    write_job("{\"use\": \"length\", \"name\": \"one\"}");
    test_write(test_path("probe.jsonl"), probe, strlen(probe));
    ft_job *job = ft_job_load(test_path("job.json"), &desc, &err);
    ft_result *r = job ? ft_compare(job, NULL, &err) : NULL;
    if (!CHECK_OK(r ? FT_OK : err.code, err)) return;
    CHECK_INT(job->n_rows, 3);
    CHECK(ft__result_answer(r, 0, 1, 0)->text && ft__result_answer(r, 1, 1, 0)->text);
    CHECK(!ft__result_answer(r, 2, 1, 0)->text);
    CHECK_INT(ft__result_score(r, 0, 1, 1)->state, FT_SCORED);
    CHECK_INT(ft__result_score(r, 0, 2, 1)->state, FT_NOT_APPLICABLE);
    CHECK_INT(ft__result_score(r, 1, 2, 1)->state, FT_SCORED);
    CHECK_INT(ft__result_score(r, 1, 0, 1)->state, FT_NOT_APPLICABLE);
    ft_result_free(r);
    ft_job_free(job);
}

#define JUDGE(model, more) \
    "{\"use\": \"judge\", \"name\": \"one\", \"params\": {\"model\": \"" model "\", \"rubric\": \"be nice\"" more "}}"

TEST(likelihood, a_job_with_a_judge) {
    ft_error err;
    ft_job *job;
    size_t n;
    ft_score s;
    ft_result *r = run_job(JUDGE("judge.gguf", ""), 2, &job, &err);
    if (!CHECK_OK(r ? FT_OK : err.code, err)) return;
    ft_session *session = ft_session_load(test_path("judge.gguf"), NULL, &err);
    for (size_t row = 0; row < 2; row++)
        for (int v = 0; v < 2; v++) {
            const ft__answer *a = ft__result_answer(r, row, v, 0);
            CHECK_OK(ft_judge(job->evaluators[0].handle, session, &job->rows[row].row, a->text, a->text_len, &s,
                              &err), err);
            CHECK(s.state == FT_SCORED && ft__result_score(r, 0, row, v)->value == s.value);
        }
    char *json = test_read(test_path("run/result.json"), &n), *resolved = test_read(test_path("run/job.json"), &n);
    CHECK(json && strstr(json, "\"judge\"") && strstr(json, r->judge_digests[0]) && !strstr(json, "judge.gguf"));
    CHECK(resolved && strstr(resolved, "/judge.gguf"));
    free(json);
    free(resolved);
    ft_session_free(session);
    ft_result_free(r);
    ft_job_free(job);
}

TEST(likelihood, a_judge_of_the_same_family_is_refused) {
    ft_error err;
    ft_job *job;
    CHECK(!run_job(JUDGE("sibling.gguf", ""), 1, &job, &err));
    CHECK_ERROR(err.code, FT_ERR_JOB, err, "allow_same_family");
    ft_job_free(job);
    CHECK(!run_job(JUDGE("named.gguf", ""), 1, &job, &err));
    CHECK_ERROR(err.code, FT_ERR_JOB, err, "same family");
    ft_job_free(job);
    ft_result *r = run_job(JUDGE("sibling.gguf", ", \"allow_same_family\": true"), 1, &job, &err);
    CHECK_OK(r ? FT_OK : err.code, err);
    ft_result_free(r);
    ft_job_free(job);
    CHECK(!run_job("{\"use\": \"judge\", \"name\": \"one\", \"params\": {\"rubric\": \"be nice\"}}", 1, &job, &err));
    CHECK_ERROR(err.code, FT_ERR_JOB, err, "\"model\": PATH");
    CHECK(!run_job(JUDGE("none.gguf", ""), 1, &job, &err));
    CHECK_ERROR(err.code, FT_ERR_NOT_FOUND, err, "none.gguf");
    ft_job_free(job);
}

TEST(likelihood, a_text_over_the_context_is_named) {
    ft_error err;
    ft_job *job;
    char line[2000];
    write_job("{\"use\": \"choice_accuracy\", \"name\": \"one\"}");
    snprintf(line, sizeof line, "%s{\"prompt\": \"p\", \"choices\": [\"a\", \"", choice_rows);
    for (int i = 0; i < 300; i++) strcat(line, "x y ");
    strcat(line, "\"], \"answer\": 0}\n");
    test_write(test_path("rows.jsonl"), line, strlen(line));
    job = ft_job_load(test_path("job.json"), NULL, &err);
    if (!CHECK_OK(job ? FT_OK : err.code, err)) return;
    CHECK(!ft_compare(job, NULL, &err));
    CHECK_ERROR(err.code, FT_ERR_CONTEXT, err, "rows.jsonl:3");
    ft_job_free(job);
}
