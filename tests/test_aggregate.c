/* What is computed over all rows together, beside the means. */
#include "test.h"

#include "../src/release/release.h"
#include "tiny.h"

static const char aggregate_rows[] =
    "{\"id\": \"a\", \"cohort\": \"x\", \"prompt\": \"one\", \"expected\": \"yes\", \"choices\": [\"p\", \"q\"], \"answer\": 0}\n"
    "{\"id\": \"b\", \"cohort\": \"y\", \"prompt\": \"two\", \"expected\": \"no\", \"choices\": [\"p\", \"q\"], \"answer\": 1}\n"
    "{\"id\": \"c\", \"cohort\": \"x\", \"prompt\": \"six\", \"expected\": \"no\", \"choices\": [\"p\", \"q\"], \"answer\": 1}\n"
    "{\"id\": \"d\", \"cohort\": \"x\", \"weight\": 0, \"prompt\": \"ten\", \"expected\": \"no\", \"choices\": [\"p\", \"q\"],"
    " \"answer\": 1}\n";

static ft_result *aggregate_run(ft_job **job, const ft_allocator *a, ft_error *err) {
    static const char job_json[] =
        "{\"base\": {\"model\": \"base.gguf\"}, \"candidates\": [{\"name\": \"tuned\", \"adapter\": \"tuned.gguf\"}],"
        " \"data\": [{\"path\": \"rows.jsonl\"}], \"prompt\": {\"template\": \"none\"}, \"generate\": {\"max_tokens\": 5},"
        " \"evaluators\": [{\"use\": \"wer\"}, {\"use\": \"label\", \"params\": {\"labels\": [\"yes\", \"no\"]}},"
        " {\"use\": \"choice_accuracy\"}, {\"use\": \"length\"}, {\"use\": \"chrf\"}],"
        " \"gate\": {\"rules\": [{\"evaluator\": \"length\", \"max_drop\": 9}]}, \"output\": null}";
    static const tiny_adapter adapter = {4, 8, 1, 1, 0, FT__FORMAT_F32, false};
    ft_job_desc desc;
    memset(&desc, 0, sizeof desc);
    memset(err, 0, sizeof *err);
    if (a) desc.allocator = *a;
    tiny_write_model(test_path("base.gguf"), NULL);
    tiny_write_adapter(test_path("tuned.gguf"), NULL, &adapter);
    test_write(test_path("rows.jsonl"), aggregate_rows, strlen(aggregate_rows));
    test_write(test_path("job.json"), job_json, strlen(job_json));
    *job = ft_job_load(test_path("job.json"), &desc, err);
    return *job ? ft_compare(*job, NULL, err) : NULL;
}

static double member(const ft__json *value, const char *name) {
    const ft__json *found = ft__json_get(value, name);
    return CHECK(found && found->type == FT__JSON_NUMBER) ? found->number : -1;
}

TEST(aggregate, over_all_rows_and_each_cohort) {
    ft_error err;
    ft_job *job;
    ft_result *r = aggregate_run(&job, NULL, &err);
    if (!CHECK_OK(r ? FT_OK : err.code, err)) return;
    for (int v = 0; v < 2; v++) {
        double edits = 0, confidence = 0, right = 0;
        const ft__json *corpus = ft__table_at(&r->table, 0, 2, v)->corpus;
        for (size_t i = 0; i < 3; i++) { /* one expected word each: edits are WERs */
            const ft__evidence *found = ft__result_evidence(r, 2, i, v, 0);
            double p = 1 / (1 + ft__exp(found->options[1].logprob - found->options[0].logprob));
            edits += ft__result_score(r, 0, i, v)->value;
            right += ft__result_score(r, 1, i, v)->value;
            if (i == 1) confidence = p > 0.5 ? p : 1 - p;
        }
        CHECK_NEAR(member(corpus, "edits"), edits, 1e-9);
        CHECK_INT(member(corpus, "ref_len"), 3);
        CHECK_NEAR(member(corpus, "wer"), edits / 3, 1e-12);
        CHECK_NEAR(member(ft__table_at(&r->table, 1, 2, v)->corpus, "accuracy"), right / 3, 1e-12);
        CHECK_INT(member(ft__table_at(&r->table, 0, 0, v)->corpus, "ref_len"), 2); /* cohort x */
        /* one row in cohort y: the error of calibration is its own */
        double gap = confidence - ft__result_score(r, 2, 1, v)->value;
        CHECK_NEAR(member(ft__table_at(&r->table, 2, 1, v)->corpus, "ece"), gap < 0 ? -gap : gap, 1e-12);
        CHECK(ft__table_at(&r->table, 4, 2, v)->corpus->type == FT__JSON_NUMBER);
        CHECK(!ft__table_at(&r->table, 3, 2, v)->corpus);
    }
    CHECK(strstr(ft_result_json(r, NULL), "\"corpus\": ") != NULL);
    ft_result_free(r);
    ft_job_free(job);
}

static int keep(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n);
    return 0;
}

TEST(aggregate, is_in_the_report) {
    ft_error err;
    ft_job *job;
    ft__buf text;
    ft_result *r = aggregate_run(&job, NULL, &err);
    if (!CHECK_OK(r ? FT_OK : err.code, err)) return;
    ft__buf_init(&text, &job->allocator);
    CHECK_OK(ft_report_term(r, 100, false, keep, &text, &err), err);
    static const char *const lines[] = {"wer over all rows together: wer ", "label over all rows together: f1_macro ",
                                        "choice_accuracy over all rows together: ece ",
                                        "chrf over all rows together: chrf "};
    for (size_t i = 0; i < FT__COUNT(lines); i++) CHECK(strstr(text.data, lines[i]) != NULL);
    ft__buf_free(&text);
    ft_result_free(r);
    ft_job_free(job);
}

TEST(aggregate, memory_may_end_anywhere) {
    int n = 0;
    for (long fail_at = 1; fail_at < 100000; fail_at += 1 + fail_at / 40, n++) {
        test_memory memory = {0, 0, fail_at};
        ft_allocator a = test_allocator(&memory);
        ft_error err;
        ft_job *job;
        ft_result *r = aggregate_run(&job, &a, &err);
        bool done = r != NULL;
        ft_result_free(r);
        ft_job_free(job);
        CHECK_INT(memory.live, 0);
        if (done) break;
        CHECK_INT(err.code, FT_ERR_MEMORY);
    }
    CHECK(n > 20);
}

TEST(aggregate, labels) {
    static const struct {
        const char *params, *row, *output;
        int state;
        double value;
    } rows[] = {
        {"{}", "{\"expected\": \"Yes\"}", " yes.\n", FT_SCORED, 1},
        {"{\"ignore_case\": false}", "{\"expected\": \"Yes\"}", "yes", FT_SCORED, 0},
        {"{\"labels\": [\"yes\", \"no\"]}", "{\"expected\": \"YES\"}", "**yes**", FT_SCORED, 1},
        {"{\"labels\": [\"yes\", \"no\"]}", "{\"expected\": \"yes\"}", "no", FT_SCORED, 0},
        {"{\"labels\": [\"yes\", \"no\"]}", "{\"expected\": \"yes\"}", "", FT_SCORED, 0},
        {"{\"labels\": [\"yes\", \"no\"]}", "{\"expected\": \"maybe\"}", "yes", FT_SCORE_ERROR, 0},
        {"{\"labels\": [1, 2]}", "{\"expected\": 2}", "2", FT_SCORED, 1},
        {"{}", "{\"expected\": {}}", "2", FT_SCORE_ERROR, 0},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        ft_error err = {FT_OK, "", ""};
        ft_score s;
        ft_evaluator *e = ft_evaluator_create("label", rows[i].params, NULL, &err);
        ft_row *row = ft_row_parse(rows[i].row, strlen(rows[i].row), NULL, &err);
        if (!CHECK_OK(err.code, err)) continue;
        CHECK_OK(ft_evaluate(e, row, rows[i].output, strlen(rows[i].output), &s, &err), err);
        CHECK_INT(s.state, rows[i].state);
        CHECK_NEAR(s.value, rows[i].value, 0);
        ft_row_free(row);
        ft_evaluator_free(e);
    }
    ft_error err;
    CHECK(!ft_evaluator_create("label", "{\"labels\": []}", NULL, &err));
    CHECK(!ft_evaluator_create("label", "{\"labels\": [\"\"]}", NULL, &err));
}
