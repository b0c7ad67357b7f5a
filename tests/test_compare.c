/* The whole road: job file, tiny model, adapters, rows, scores, gate, run folder, report. */
#include "test.h"

#include "../src/release/release.h"
#include "gguf_edit.h"
#include "tiny.h"

#include <unistd.h>

enum { N_ROWS = 60, N_COHORTS = 3 };

static const char *const compare_cohorts[N_COHORTS] = {"orders_eu", "orders_us", "refunds"};

/* Where a test's files lie, so that the names in them need no folder. */
static void compare_files(float amplitude) {
    tiny_model model;
    tiny_adapter adapter;
    memset(&model, 0, sizeof model);
    memset(&adapter, 0, sizeof adapter);
    model.seed = 7;
    adapter.seed = 8;
    adapter.amplitude = amplitude;
    tiny_write_model(test_path("base.gguf"), &model);
    tiny_write_adapter(test_path("tuned.gguf"), &model, &adapter);
}

/* The longest run of ASCII in a text: random models like to answer in stray bytes. */
static const char *compare_ascii(const ft__answer *answer, size_t *n) {
    const char *best = "", *run = answer->text;
    *n = 0;
    for (size_t i = 0; i <= answer->text_len; i++) {
        const char *at = answer->text + i;
        if (i < answer->text_len && *at >= ' ' && *at < 0x7F) continue;
        if ((size_t)(at - run) > *n) best = run, *n = (size_t)(at - run);
        run = at + 1;
    }
    return best;
}

/* Rows whose expected text is in what `answers` has of the base, or that expect nothing. */
static void compare_rows(const ft_result *answers) {
    ft__buf text;
    ft__json_writer w;
    ft__buf_init(&text, NULL);
    for (int i = 0; i < N_ROWS; i++) {
        char id[32], prompt[64];
        snprintf(id, sizeof id, "row-%d", i);
        snprintf(prompt, sizeof prompt, "Question %d about an order: ", i);
        ft__json_writer_init(&w, &text, 0);
        ft__json_begin(&w, '{');
        ft__json_key(&w, "id"), ft__json_text(&w, id);
        ft__json_key(&w, "cohort"), ft__json_text(&w, compare_cohorts[i % N_COHORTS]);
        ft__json_key(&w, "prompt"), ft__json_text(&w, prompt);
        if (answers) {
            const ft__answer *answer = ft__result_answer(answers, (size_t)i, 0, 0);
            size_t n;
            const char *part = compare_ascii(answer, &n);
            ft__json_key(&w, "expected"), ft__json_string(&w, part, n);
        }
        ft__json_end(&w, '}');
        ft__buf_byte(&text, '\n');
    }
    test_write(test_path("rows.jsonl"), text.data, text.len);
    ft__buf_free(&text);
}

static const char compare_job[] =
    "{\"name\": \"tiny\", \"base\": {\"model\": \"base.gguf\"},\n"
    " \"candidates\": [{\"name\": \"tuned\", \"adapter\": \"tuned.gguf\"}],\n"
    " \"data\": [{\"path\": \"rows.jsonl\"}], \"prompt\": {\"template\": \"none\"},\n"
    " \"generate\": {\"max_tokens\": 6},\n"
    " \"evaluators\": [{\"use\": \"length\", \"name\": \"short\", \"params\": {\"max\": 400}},\n"
    "  {\"use\": \"contains\", \"name\": \"has_e\", \"params\": {\"text\": \"e\"}}],\n"
    " \"gate\": {\"rules\": [{\"evaluator\": \"short\", \"cohort\": \"*\", \"max_drop\": 0}]},\n"
    " \"output\": \"run\"}\n";

static ft_job *compare_load(const char *const *sets, int n_sets, const ft_allocator *a,
                            ft_error *err) {
    const char *path = test_path("job.json");
    ft_job_desc desc;
    memset(&desc, 0, sizeof desc);
    memset(err, 0, sizeof *err);
    if (a) desc.allocator = *a;
    desc.sets = sets;
    desc.n_sets = n_sets;
    test_write(path, compare_job, strlen(compare_job));
    return ft_job_load(path, &desc, err);
}

static const char *const same_set = "evaluators.1={\"use\": \"contains\", \"name\": \"same\"}";
static const char *const same_rule_set =
    "gate.rules.0={\"evaluator\": \"same\", \"cohort\": \"orders_*\", \"max_drop\": 0.02}";

/* Rows that the base answers right. */
static bool compare_prepare(float amplitude) {
    ft_error err;
    compare_files(amplitude);
    compare_rows(NULL);
    static const char *const sets[] = {"output=null"};
    ft_job *job = compare_load(sets, 1, NULL, &err);
    ft_result *result = job ? ft_compare(job, NULL, &err) : NULL;
    CHECK_OK(err.code, err);
    if (result) compare_rows(result);
    ft_result_free(result);
    ft_job_free(job);
    return result != NULL;
}

static bool compare_exists(const char *name) { return access(test_path(name), F_OK) == 0; }

TEST(compare, reaches_a_verdict_on_three_cohorts) {
    static const char *const sets[] = {same_set, same_rule_set};
    ft_error err;
    if (!compare_prepare(1)) return;
    ft_job *job = compare_load(sets, 2, NULL, &err);
    ft_result *r = job ? ft_compare(job, NULL, &err) : NULL;
    CHECK_OK(err.code, err);
    if (r) {
        CHECK_INT(r->gate.n_checks, 2);
        CHECK_INT(ft_result_verdict(r),
                  FT_BLOCK); /* the base gives its own answers, the other does not */
        CHECK_INT(r->gate.cohorts[2 * 2 + 1], FT__NOT_JUDGED);
        for (int c = 0; c < 4; c++) {
            const ft__numbers *base = ft__table_at(&r->table, 1, c, 0);
            const ft__numbers *tuned = ft__table_at(&r->table, 1, c, 1);
            CHECK_INT(base->n_scored, c < 3 ? N_ROWS / 3 : N_ROWS);
            CHECK(base->mean == 1 && tuned->mean < 0.9);
            CHECK_NEAR(tuned->difference, tuned->mean - base->mean, 1e-12);
            CHECK_INT(tuned->wins + tuned->losses + tuned->ties, tuned->n_pairs);
            CHECK_NEAR(tuned->pass, tuned->mean, 1e-12);
        }
        CHECK(strcmp(r->answer_digests[0], r->answer_digests[1]) != 0);
        CHECK_INT(strlen(ft_result_digest(r)), 64);
    }
    ft_result_free(r);
    ft_job_free(job);
}

/* Text after `key` up to the next quote. */
static void compare_string(const char *text, const char *key, char out[80]) {
    const char *at = strstr(text, key);
    out[0] = 0;
    if (at) sscanf(at + strlen(key), "%79[^\"]", out);
}

TEST(compare, writes_a_run_folder_that_can_be_verified) {
    ft_error err;
    char command[512], digest[80], *out = NULL, hex[65];
    size_t n = 0;
    compare_files(1);
    compare_rows(NULL);
    ft_job *job = compare_load(NULL, 0, NULL, &err);
    ft_result *r = job ? ft_compare(job, NULL, &err) : NULL;
    CHECK_OK(err.code, err);
    if (!r) {
        ft_job_free(job);
        return;
    }
    char *result = test_read(test_path("run/result.json"), &n);
    size_t n_json = 0;
    const char *json = ft_result_json(r, &n_json);
    CHECK(result && n == n_json && memcmp(result, json, n) == 0);
    compare_string(result, "\"digest\": \"", digest);
    CHECK_TEXT(digest, ft_result_digest(r));
    snprintf(command, sizeof command, "head -n -2 %s | sha256sum", test_path("run/result.json"));
    CHECK_INT(test_run(command, &out), 0);
    CHECK(out && strncmp(out, digest, 64) == 0);
    CHECK(!strstr(result, "/") || !strstr(result, "ft-test")); /* no paths */
    CHECK(strstr(result, "\"verdict\": \"ship\"") != NULL);
    bool valid = false;
    CHECK(ft__json_valid(result, n, &job->allocator, &valid) == FT_OK && valid);
    free(result);
    free(out);

    char *rows = test_read(test_path("run/rows.jsonl"), &n);
    int lines = 0;
    for (char *line = rows, *end; rows && (end = strchr(line, '\n')) != NULL;
         line = end + 1, lines++) {
        *end = 0;
        char *sum = strstr(line, ",\"sha256\":\"");
        if (!CHECK(sum != NULL)) break;
        ft__sha256_hex(line, (size_t)(sum - line), hex);
        CHECK(strncmp(sum + strlen(",\"sha256\":\""), hex, 64) == 0);
    }
    CHECK_INT(lines, 2 * N_ROWS);
    free(rows);

    char *resolved = test_read(test_path("run/job.json"), &n);
    CHECK(resolved && ft__json_valid(resolved, n, &job->allocator, &valid) == FT_OK && valid);
    CHECK(resolved && strstr(resolved, r->model_digests[0]) &&
          strstr(resolved, r->adapter_digests[1]));
    CHECK(resolved && strstr(resolved, job->data[0].digest) && strstr(resolved, "\"seed\": 1"));
    free(resolved);
    char *timing = test_read(test_path("run/timing.json"), &n);
    CHECK(timing && strstr(timing, "\"new_tokens_per_s\""));
    free(timing);
    ft_result_free(r);
    ft_job_free(job);
}

/* result.json of one run; free() it. */
static char *compare_bytes(const char *isa, int threads, const char *const *sets, int n_sets) {
    ft_error err;
    ft_compare_desc desc;
    char *json = NULL;
    size_t n = 0;
    memset(&desc, 0, sizeof desc);
    desc.threads = threads;
    if (isa) setenv("FT_ISA", isa, 1);
    ft_job *job = compare_load(sets, n_sets, NULL, &err);
    ft_result *r = job ? ft_compare(job, &desc, &err) : NULL;
    if (isa) unsetenv("FT_ISA");
    CHECK_OK(err.code, err);
    if (r) json = test_read(test_path("run/result.json"), &n);
    ft_result_free(r);
    ft_job_free(job);
    return json;
}

TEST(compare, same_bytes_on_every_path) {
    static const char *const sets[] = {"generate.temperature=0.9", "generate.repeat=2",
                                       "generate.max_tokens=3"};
    ft_error err;
    ft__isa isa;
    compare_files(1);
    compare_rows(NULL);
    char *one = compare_bytes(NULL, 1, sets, 3), *two = compare_bytes(NULL, 2, sets, 3);
    char *scalar = compare_bytes("scalar", 2, sets, 3);
    char *greedy = compare_bytes(NULL, 1, NULL, 0);
    CHECK(one && two && strcmp(one, two) == 0);
    CHECK(one && scalar && strcmp(one, scalar) == 0);
    CHECK(one && greedy && strcmp(one, greedy) != 0);
    setenv("FT_ISA", "avx2", 1);
    bool has_avx2 = ft__isa_choose(&isa, &err) == FT_OK;
    unsetenv("FT_ISA");
    char *avx2 = has_avx2 ? compare_bytes("avx2", 1, sets, 3) : NULL;
    if (has_avx2) CHECK(one && avx2 && strcmp(one, avx2) == 0);
    free(one), free(two), free(scalar), free(greedy), free(avx2);
}

TEST(compare, repeats_are_drawn_apart) {
    static const char *const sets[] = {"generate.temperature=1.5", "generate.repeat=3",
                                       "output=null"};
    ft_error err;
    compare_files(1);
    compare_rows(NULL);
    ft_job *job = compare_load(sets, 3, NULL, &err);
    ft_result *r = job ? ft_compare(job, NULL, &err) : NULL;
    CHECK_OK(err.code, err);
    int different = 0;
    for (size_t i = 0; r && i < N_ROWS; i++) {
        const ft__answer *a = ft__result_answer(r, i, 0, 0), *b = ft__result_answer(r, i, 0, 2);
        different += !ft__text_equal(a->text, a->text_len, b->text, b->text_len);
        const ft__row_score *s = ft__result_score(r, 1, i, 0);
        CHECK(s->state == FT_SCORED && s->value >= 0 && s->value <= 1);
    }
    CHECK(different > N_ROWS / 2);
    CHECK(!compare_exists("run/never"));
    ft_result_free(r);
    ft_job_free(job);
}

/* The base against itself, which a job asks for by naming the base's own file. */
TEST(compare, the_base_itself_ships) {
    static const char *const sets[] = {same_set, same_rule_set, "gate.rules.0.max_drop=0",
                                       "candidates.0={\"name\": \"twin\", \"model\": \"base.gguf\"}"};
    ft_error err;
    if (!compare_prepare(1)) return;
    ft_job *job = compare_load(sets, 4, NULL, &err);
    ft_result *r = job ? ft_compare(job, NULL, &err) : NULL;
    CHECK_OK(err.code, err);
    if (r) {
        ft__token_sums sums;
        CHECK_INT(ft_result_verdict(r), FT_SHIP);
        CHECK_TEXT(r->answer_digests[1], r->answer_digests[0]);
        for (int e = 0; e < 2; e++)
            for (int c = 0; c < 4; c++) {
                const ft__numbers *n = ft__table_at(&r->table, e, c, 1);
                CHECK(n->difference == 0 && n->ties == n->n_pairs && n->n_pairs == n->n_scored);
            }
        CHECK(ft__tokens_sum(r, 3, 1, &sums));
        CHECK(sums.kl_max == 0 && sums.agree == sums.places && sums.accepted == sums.output);
        CHECK(sums.n_rows > 0 && sums.n_same == N_ROWS && sums.logprob == sums.base_logprob);
        CHECK(strstr(ft_result_json(r, NULL), "\"first_differences\": []") != NULL);
    }
    ft_result_free(r);
    ft_job_free(job);
}

TEST(compare, a_candidate_that_changes_nothing_is_an_error) {
    static const struct {
        const char *set, *says;
    } cases[] = {
        {"candidates.0.adapter=\"zeros.gguf\"",
         "zeros.gguf: candidate \"tuned\": the adapter changes nothing: at "},
        {"candidates.0.scale=0", "tuned.gguf: candidate \"tuned\": the adapter changes nothing (its scale is 0)"},
        {"candidates.0={\"name\": \"copy\", \"model\": \"copy.gguf\"}",
         "copy.gguf: candidate \"copy\": this is the base itself"},
        {"candidates.0={\"name\": \"retold\", \"model\": \"retold.gguf\"}",
         "retold.gguf: candidate \"retold\": the model changes nothing"},
        {"candidates.0={\"name\": \"both\", \"model\": \"other.gguf\", \"adapter\": \"zeros.gguf\"}",
         "zeros.gguf: candidate \"both\": the adapter changes nothing"},
    };
    tiny_model model;
    edit e;
    memset(&model, 0, sizeof model);
    compare_files(0);
    CHECK_INT(rename(test_path("tuned.gguf"), test_path("zeros.gguf")), 0);
    compare_files(1);
    compare_rows(NULL);
    model.seed = 7;
    tiny_write_model(test_path("copy.gguf"), &model);
    edit_begin(&e, test_path("base.gguf")); /* the same weights in another file */
    edit_text(&e, "general.description", "the same");
    edit_save(&e, test_path("retold.gguf"));
    model.seed = 99;
    tiny_write_model(test_path("other.gguf"), &model);
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        ft_error err;
        ft_job *job = compare_load(&cases[i].set, 1, NULL, &err);
        ft_result *r = job ? ft_compare(job, NULL, &err) : NULL;
        CHECK_ERROR(err.code, FT_ERR_MISMATCH, err, cases[i].says);
        CHECK_INT(ft_status_exit_code(err.code), 3);
        CHECK(r == NULL && !compare_exists("run/result.json"));
        ft_result_free(r);
        ft_job_free(job);
    }
}

TEST(compare, rows_that_cannot_be_scored_block) {
    static const char *const sets[] = {same_set, same_rule_set, "gate.rules.0.max_drop=1"};
    ft_error err;
    compare_files(1);
    compare_rows(NULL); /* no row has an expected text */
    ft_job *job = compare_load(sets, 3, NULL, &err);
    ft_result *r = job ? ft_compare(job, NULL, &err) : NULL;
    CHECK_OK(err.code, err);
    if (r) {
        CHECK_INT(ft_result_verdict(r), FT_BLOCK);
        CHECK_TEXT(r->gate.checks[0].reason, "20 rows could not be scored");
        CHECK(strstr(ft_result_json(r, NULL), "\"errors\": 20") != NULL);
    }
    ft_result_free(r);
    ft_job_free(job);
}

TEST(compare, other_models_and_adapters_on_them) {
    static const char *const sets[] = {"candidates=[{\"name\": \"other\", \"model\": "
                                       "\"other.gguf\"}, {\"name\": \"both\", \"model\": "
                                       "\"other.gguf\", \"adapter\": \"tuned.gguf\"}, {\"name\": "
                                       "\"twin\", \"model\": \"base.gguf\"}]"};
    ft_error err;
    tiny_model other;
    memset(&other, 0, sizeof other);
    other.seed = 99;
    compare_files(1);
    compare_rows(NULL);
    tiny_write_model(test_path("other.gguf"), &other);
    ft_job *job = compare_load(sets, 1, NULL, &err);
    ft_result *r = job ? ft_compare(job, NULL, &err) : NULL;
    CHECK_OK(err.code, err);
    if (r) {
        CHECK_INT(job->n_models, 2);
        CHECK(strcmp(r->answer_digests[0], r->answer_digests[1]) != 0);
        CHECK(strcmp(r->answer_digests[1], r->answer_digests[2]) != 0);
        CHECK_TEXT(r->answer_digests[3], r->answer_digests[0]);
    }
    ft_result_free(r);
    ft_job_free(job);
}

static int compare_append(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n);
    return 0;
}

/* The tokens of candidates: of adapters, of another model, of what reads otherwise, and of drawn answers. */
TEST(compare, token_by_token) {
    static const char *const sets[] = {
        "output=null",
        ("candidates=[{\"name\": \"tuned\", \"adapter\": \"tuned.gguf\"},"
         " {\"name\": \"other\", \"model\": \"other.gguf\"}]"),
        "generate.temperature=1", "tokens=false"};
    ft_error err;
    tiny_model other;
    ft__token_sums sums, part, whole;
    memset(&other, 0, sizeof other);
    other.seed = 99;
    if (!compare_prepare(0.2f)) return;
    tiny_write_model(test_path("other.gguf"), &other);
    for (int way = 0; way < 3; way++) { /* greedy, drawn, not at all */
        const char *const set[] = {sets[0], sets[1], way ? sets[1 + way] : sets[0]};
        ft_job *job = compare_load(set, 3, NULL, &err);
        ft_result *r = job ? ft_compare(job, NULL, &err) : NULL;
        CHECK_OK(err.code, err);
        const char *json = r ? ft_result_json(r, NULL) : "";
        CHECK(!r || ft__tokens_sum(r, 3, 1, &sums) == (way < 2));
        CHECK((strstr(json, "\"tokens\": null") != NULL) == (way == 2));
        for (int v = 1; r && v < 3 && way < 2; v++) {
            CHECK(ft__tokens_sum(r, 3, v, &sums));
            CHECK(sums.n_rows > 0 && sums.n_rows <= N_ROWS && sums.kl > 0 && sums.kl_max >= sums.kl / sums.places);
            CHECK(sums.agree >= 0 && sums.agree < sums.places && sums.logprob < 0 && sums.base_logprob < 0);
            CHECK_INT(sums.n_outputs, way ? 0 : N_ROWS);
            CHECK(way || (sums.accepted < sums.output && sums.drafts > 0 && sums.n_same < N_ROWS));
            memset(&whole, 0, sizeof whole);
            for (int c = 0; c < 3; c++) { /* the cohorts are all rows, each once */
                ft__tokens_sum(r, c, v, &part);
                whole.n_rows += part.n_rows, whole.n_places += part.n_places, whole.kl += part.kl;
            }
            CHECK_INT(whole.n_rows, sums.n_rows);
            CHECK_INT(whole.n_places, sums.n_places);
            CHECK_NEAR(whole.kl, sums.kl, 1e-9);
        }
        if (r && way == 0) {
            ft__buf text;
            ft__buf_init(&text, NULL);
            CHECK_OK(ft_report_term(r, 0, false, compare_append, &text, &err), err);
            CHECK(strstr(text.data, "token by token: KL divergence ") && strstr(text.data, ", acceptance rate 0."));
            ft__buf_free(&text);
        }
        ft_result_free(r);
        ft_job_free(job);
    }
}

/* A model that begins its prompts with another token reads something else than the base. */
TEST(compare, what_reads_otherwise_has_no_tokens) {
    static const char *const set = "candidates=[{\"name\": \"tuned\", \"adapter\": \"tuned.gguf\"},"
                                   " {\"name\": \"other\", \"model\": \"other.gguf\"}]";
    ft_error err;
    ft__token_sums sums;
    edit e;
    compare_files(1);
    compare_rows(NULL);
    edit_begin(&e, test_path("base.gguf"));
    edit_int(&e, "tokenizer.ggml.bos_token_id", 5);
    edit_save(&e, test_path("other.gguf"));
    ft_job *job = compare_load(&set, 1, NULL, &err);
    ft_result *r = job ? ft_compare(job, NULL, &err) : NULL;
    CHECK_OK(err.code, err);
    if (r) {
        CHECK(ft__tokens_sum(r, 3, 1, &sums) && !ft__tokens_sum(r, 3, 2, &sums));
        CHECK(strstr(ft_result_json(r, NULL), "\"tokens\": null") != NULL);
    }
    ft_result_free(r);
    ft_job_free(job);
}

static int compare_stop(void *user, const ft_progress *progress) {
    *(ft_progress *)user = *progress;
    return progress->done >= 10;
}

static int compare_watch(void *user, const ft_progress *progress) {
    *(ft_progress *)user = *progress;
    return 0;
}

TEST(compare, tells_its_progress) {
    ft_error err;
    ft_progress last;
    ft_compare_desc desc;
    memset(&desc, 0, sizeof desc);
    memset(&last, 0, sizeof last);
    desc.user = &last;
    desc.progress = compare_watch;
    compare_files(1);
    compare_rows(NULL);
    ft_job *job = compare_load(NULL, 0, NULL, &err);
    ft_result *r = job ? ft_compare(job, &desc, &err) : NULL;
    CHECK_OK(err.code, err);
    CHECK_INT(last.done, 2 * N_ROWS);
    CHECK_INT(last.total, 2 * N_ROWS);
    ft_result_free(r);
    ft_job_free(job);
}

TEST(compare, a_run_that_fails_leaves_no_result) {
    static const struct {
        const char *set;
        ft_status status;
        const char *says;
    } cases[] = {
        {"generate.max_tokens=127", FT_ERR_CONTEXT, "rows.jsonl:1: the prompt has "},
        {"base.model=\"none.gguf\"", FT_ERR_NOT_FOUND, "none.gguf"},
        {"base.model=\"rows.jsonl\"", FT_ERR_FORMAT, "rows.jsonl"},
        {"candidates.0.adapter=\"none.gguf\"", FT_ERR_NOT_FOUND, "none.gguf"},
        {"candidates.0.adapter=\"wrong.gguf\"", FT_ERR_MISMATCH, "wrong.gguf"},
        {"output=\"base.gguf/run\"", FT_ERR_IO, "base.gguf/run"},
        {"generate.seed=1", FT_ERR_CANCELLED, NULL}, /* by the progress callback */
    };
    tiny_model model;
    tiny_adapter adapter;
    memset(&model, 0, sizeof model);
    memset(&adapter, 0, sizeof adapter);
    adapter.wrong_shape = true;
    adapter.amplitude = 1;
    compare_files(1);
    compare_rows(NULL);
    tiny_write_adapter(test_path("wrong.gguf"), &model, &adapter);
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        ft_error err;
        ft_progress progress;
        ft_compare_desc desc;
        memset(&desc, 0, sizeof desc);
        desc.user = &progress;
        desc.progress = compare_stop;
        ft_job *job = compare_load(NULL, 0, NULL, &err);
        ft_result_free(job ? ft_compare(job, NULL, &err) : NULL); /* a finished run lies there */
        ft_job_free(job);
        CHECK(compare_exists("run/result.json"));
        job = compare_load(&cases[i].set, 1, NULL, &err);
        ft_result *r = job ? ft_compare(job, &desc, &err) : NULL;
        CHECK_ERROR(err.code, cases[i].status, err, cases[i].says);
        CHECK(r == NULL);
        if (cases[i].status != FT_ERR_IO) CHECK(!compare_exists("run/result.json"));
        ft_result_free(r);
        ft_job_free(job);
    }
}

TEST(compare, never_writes_over_its_inputs) {
    static const char *const set = "output=\".\"";
    ft_error err;
    size_t n = 0;
    compare_files(1);
    compare_rows(NULL);
    ft_job *job = compare_load(&set, 1, NULL, &err);
    ft_result *r = job ? ft_compare(job, NULL, &err) : NULL;
    CHECK_ERROR(err.code, FT_ERR_JOB, err, "the run folder's job.json would replace a file");
    CHECK(r == NULL);
    ft_result_free(r);
    ft_job_free(job);
    char *text = test_read(test_path("job.json"), &n);
    CHECK_TEXT(text, compare_job);
    free(text);
    CHECK(compare_exists("rows.jsonl"));
}

TEST(compare, its_job_file_is_a_job_again) {
    static const char probe[] = "{\"id\": \"p\", \"prompt\": \"One\", \"cohort\": \"refunds\"}\n";
    static const char *const sets[] = {
        ("probes={\"forgot\": {\"path\": \"probe.jsonl\", \"evaluator\": \"json_valid\", "
         "\"max_drop\": 1}}"),
        "generate.stop=[\"e\"]", "evaluators.0.cohorts=[\"orders_*\"]"};
    ft_error err;
    size_t n = 0;
    compare_files(1);
    compare_rows(NULL);
    test_write(test_path("probe.jsonl"), probe, strlen(probe));
    char *first = compare_bytes(NULL, 1, sets, 3), *text = test_read(test_path("run/job.json"), &n);
    char *inputs = text ? strstr(text, ",\n \"inputs\"") : NULL;
    if (CHECK(first && inputs)) {
        strcpy(inputs, "}\n"); /* what is no part of a job */
        test_write(test_path("again.json"), text, strlen(text));
        ft_job *job = ft_job_load(test_path("again.json"), NULL, &err);
        ft_result *r = job ? ft_compare(job, NULL, &err) : NULL;
        CHECK(r && strcmp(ft_result_json(r, NULL), first) == 0);
        if (r) { /* two cohorts for the rule, one for the probe */
            CHECK_INT(r->gate.n_checks, 3);
            CHECK_TEXT(ft__result_cohort(r, r->gate.checks[2].cohort), "probe.forgot");
            CHECK_INT(ft__table_at(&r->table, 2, r->gate.checks[2].cohort, 1)->n_pairs, 1);
            CHECK_INT(ft__table_at(&r->table, 1, r->table.n_cohorts - 1, 1)->n_pairs, N_ROWS);
        }
        ft_result_free(r);
        ft_job_free(job);
    }
    free(first);
    free(text);
}

/* The widest line in code points; counts control characters other than line ends. */
static int compare_widest(const ft__buf *text, int *controls) {
    int widest = 0, here = 0;
    *controls = 0;
    for (const char *p = text->data, *end = p + text->len; p < end;) {
        uint32_t c = ft__utf8_next(&p, end);
        CHECK(c != FT__BAD_UTF8);
        if (c != '\n') *controls += c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x202E;
        here = c == '\n' ? 0 : here + 1;
        if (here > widest) widest = here;
    }
    return widest;
}

TEST(report, fits_and_hides_no_control_characters) {
    static const char rows[] =
        "{\"id\": \"evil \\u001b[2J id\", \"cohort\": \"a cohort with quite a long name \\u0007\", "
        "\"prompt\": \"Say\\nthis \\u001b]0;title\\u0007 \\u202e\", \"expected\": \"\\u009b31m\"}\n"
        "{\"cohort\": \"\xc3\xbc\", \"prompt\": \"Say\", \"expected\": {\"x\": 1}}\n"
        "{\"cohort\": \"\xc3\xbc\", \"prompt\": \"Say\"}\n";
    static const char *const sets[] = {
        same_set, "gate.rules=[{\"evaluator\": \"same\", \"cohort\": \"*\", \"min_gain\": 1}]",
        "candidates.0.name=\"tuned \\u001b[0m candidate\"", "name=\"n\\u001bame\""};
    static const int widths[] = {0, 200, 100, 80, 60, 20};
    ft_error err;
    int controls;
    compare_files(1);
    test_write(test_path("rows.jsonl"), rows, strlen(rows));
    ft_job *job = compare_load(sets, 4, NULL, &err);
    ft_result *r = job ? ft_compare(job, NULL, &err) : NULL;
    CHECK_OK(err.code, err);
    for (size_t i = 0; r && i < FT__COUNT(widths); i++) {
        ft__buf text;
        ft__buf_init(&text, NULL);
        CHECK_OK(ft_report_term(r, widths[i], false, compare_append, &text, &err), err);
        CHECK(compare_widest(&text, &controls) <= (widths[i] ? widths[i] : 100));
        CHECK_INT(controls, 0);
        CHECK(strncmp(text.data, "BLOCK", 5) == 0);
        if (widths[i] == 200) {
            CHECK(strstr(text.data, "evil \\x1b[2J id") != NULL);
            CHECK(strstr(text.data, "Say\\nthis \\x1b]0;title\\x07 \\u{202e}") != NULL);
            CHECK(strstr(text.data, "\\x9b31m") != NULL);
            CHECK(strstr(text.data, ft_result_digest(r)) != NULL);
            CHECK(strstr(text.data, "/run") != NULL);
        }
        ft__buf_free(&text);
    }
    if (r) {
        ft__buf text;
        ft__buf_init(&text, NULL);
        CHECK_OK(ft_report_term(r, 100, true, compare_append, &text, &err), err);
        CHECK(strstr(text.data, "\x1b[31mBLOCK\x1b[0m") != NULL);
        CHECK(strstr(text.data, "\x1b[2J") == NULL);
        ft__buf_free(&text);
        CHECK_ERROR(ft_report_term(r, -1, false, compare_append, &text, &err), FT_ERR_ARGUMENT, err,
                    NULL);
    }
    ft_result_free(r);
    ft_job_free(job);
}

static int compare_refuse(void *user, const char *bytes, size_t n) {
    (void)bytes, (void)n;
    return ++*(int *)user == 3;
}

TEST(report, stops_when_asked) {
    ft_error err;
    int calls = 0;
    compare_files(1);
    compare_rows(NULL);
    ft_job *job = compare_load(NULL, 0, NULL, &err);
    ft_result *r = job ? ft_compare(job, NULL, &err) : NULL;
    CHECK_OK(err.code, err);
    if (r) CHECK_INT(ft_report_term(r, 0, false, compare_refuse, &calls, &err), FT_ERR_CANCELLED);
    CHECK_INT(calls, 3);
    ft_result_free(r);
    ft_job_free(job);
}

TEST(compare, survives_failed_allocations) {
    static const char rows[] = "{\"prompt\": \"a\"}\n";
    static const char *const sets[] = {"generate.max_tokens=1"};
    ft_error err;
    ft_result *r = NULL;
    long tried = 0;
    compare_files(1);
    test_write(test_path("rows.jsonl"), rows, strlen(rows));
    for (long fail_at = 1; !r && fail_at < 100000; fail_at += 1 + fail_at / 40, tried++) {
        test_memory memory;
        memset(&memory, 0, sizeof memory);
        ft_allocator a = test_allocator(&memory);
        ft_job *job = compare_load(sets, 1, &a, &err);
        if (!CHECK_OK(err.code, err) || !job) return;
        memory.fail_at = memory.requests + fail_at;
        unlink(test_path("run/result.json"));
        r = ft_compare(job, NULL, &err);
        if (!r) CHECK_INT(err.code, FT_ERR_MEMORY);
        if (!r) CHECK(!compare_exists("run/result.json"));
        if (r) {
            ft_result_free(r);
            ft_job_free(job);
            if (!CHECK_INT(memory.live, 0)) return;
            break;
        }
        ft_job_free(job);
        if (!CHECK_INT(memory.live, 0)) return;
    }
    test_note("%ld runs with a failing allocation", tried);
}

TEST(compare, weights_count_in_the_means) {
    static const char rows[] = "{\"id\": \"a\", \"prompt\": \"x\", \"weight\": 3, \"expected\": \"\\u0001\"}\n"
                               "{\"id\": \"b\", \"prompt\": \"y\"}\n"
                               "{\"id\": \"c\", \"prompt\": \"z\", \"weight\": 0}\n";
    static const char *const sets[] = {
        "output=null", "evaluators=[{\"use\": \"regex\", \"name\": \"short\", \"params\": {\"pattern\": \"^\"}}]"};
    ft_error err;
    compare_files(1);
    test_write(test_path("rows.jsonl"), rows, sizeof rows - 1);
    ft_job *job = compare_load(sets, 2, NULL, &err);
    ft_result *r = job ? ft_compare(job, NULL, &err) : NULL;
    CHECK_OK(err.code, err);
    if (r) {
        const ft__numbers *n = ft__table_at(&r->table, 0, 0, 1);
        CHECK_INT(n->n_scored, 2);
        CHECK_INT(n->n_not_applicable, 1);
        CHECK_NEAR(n->weight, 4, 0);
        CHECK_NEAR(n->mean, 1, 0);
    }
    ft_result_free(r);
    ft_job_free(job);
}

/* The real thing: a trained model, an adapter of noise, what `make demo` runs. */
TEST(compare, a_real_model_is_judged) {
    const char *build = getenv("FT_BUILD"), *model = test_shared("models/stories260K.gguf");
    char command[2048], *out = NULL, digest[2][80];
    if (!model) SKIP("no ../shared");
    for (int i = 0; i < 2; i++) {
        snprintf(command, sizeof command,
                 "mkdir -p '%s' && %s/demo_files '%s' \"$(pwd)\"/%s && %s%s/ft compare '%s/job.json' --quiet --set generate.max_tokens=24",
                 test_path("demo"), build, test_path("demo"), model,
                 i ? "FT_ISA=scalar " : "", build, test_path("demo"));
        CHECK_INT(test_run(command, &out), FT_BLOCK);
        CHECK(strstr(out, "faint  SHIP") != NULL && strstr(out, "noise  BLOCK") != NULL);
        const char *at = strstr(out, "digest ");
        digest[i][0] = 0;
        if (at) sscanf(at, "digest %79s", digest[i]);
        free(out);
    }
    CHECK(strlen(digest[0]) == 64);
    CHECK_TEXT(digest[1], digest[0]);
}
