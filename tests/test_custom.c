/* What users add: evaluators from C functions, and rubrics. */
#include "../src/eval/eval.h"
#include "test.h"

/* ---- a C function */

static int by_length(void *user, const ft_row *row, const char *output, size_t n, ft_score *score) {
    size_t n_expected = 0;
    const char *expected = ft_row_field(row, "tags.want", &n_expected);
    (void)output;
    if (!expected) {
        snprintf(score->detail, sizeof score->detail, "no tags.want");
        return 1;
    }
    score->value = n == n_expected ? *(const double *)user : 0;
    return 0;
}

static ft_evaluator_info own_info(void) {
    ft_evaluator_info info = {"own", "its length is right", "tags", NULL, 0, 1, true, 0.5, "own|v1", FT_FROM_TEXT};
    return info;
}

static ft_score own_score(double value, const char *row_json, const char *output) {
    ft_error err = {FT_OK, "", ""};
    ft_evaluator_info info = own_info();
    ft_score s;
    ft_evaluator *e = ft_evaluator_create_custom(&info, by_length, &value, NULL, &err);
    ft_row *row = ft_row_parse(row_json, strlen(row_json), NULL, &err);
    CHECK_OK(ft_evaluate(e, row, output, output ? strlen(output) : 0, &s, &err), err);
    ft_row_free(row);
    ft_evaluator_free(e);
    return s;
}

TEST(custom, a_function_scores) {
    static const char row[] = "{\"tags\": {\"want\": \"four\"}}";
    ft_score s = own_score(1, row, "abcd");
    CHECK(s.state == FT_SCORED && s.value == 1 && s.pass);
    s = own_score(1, row, "abc");
    CHECK(s.state == FT_SCORED && s.value == 0 && !s.pass);
    s = own_score(1, "{}", "abcd");
    CHECK(s.state == FT_SCORE_ERROR && s.value == 0);
    CHECK_TEXT(s.detail, "no tags.want");
    CHECK_INT(own_score(1, row, NULL).state, FT_MISSING);
}

TEST(custom, what_is_no_score_is_an_error) {
    static const char row[] = "{\"tags\": {\"want\": \"four\"}}";
    const double bad[] = {0.0 / 0.0, 1.0 / 0.0, -1.0 / 0.0, 1.5, -0.1};
    for (size_t i = 0; i < FT__COUNT(bad); i++) {
        ft_score s = own_score(bad[i], row, "abcd");
        CHECK(s.state == FT_SCORE_ERROR && s.value == 0 && !s.pass);
    }
}

TEST(custom, its_info_is_checked_and_copied) {
    ft_error err;
    double one = 1;
    char name[] = "mine";
    ft_evaluator_info info = own_info();
    CHECK(!ft_evaluator_create_custom(&info, NULL, NULL, NULL, &err));
    CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, "function");
    info.threshold = 2;
    CHECK(!ft_evaluator_create_custom(&info, by_length, &one, NULL, &err));
    info = own_info();
    info.name = name;
    ft_evaluator *e = ft_evaluator_create_custom(&info, by_length, &one, NULL, &err);
    name[0] = 'x';
    CHECK_TEXT(ft_evaluator_get_info(e)->name, "mine");
    ft_evaluator_free(e);
    for (long fail_at = 1;; fail_at++) {
        test_memory memory = {0, 0, fail_at};
        ft_allocator a = test_allocator(&memory);
        e = ft_evaluator_create_custom(&info, by_length, &one, &a, &err);
        bool done = e != NULL;
        ft_evaluator_free(e);
        CHECK_INT(memory.live, 0);
        if (done) break;
        CHECK_INT(err.code, FT_ERR_MEMORY);
    }
}

TEST(custom, fields_of_a_row) {
    static const char json[] = "{\"a\": {\"b\": 1.50}, \"c\": true, \"d\": null, \"e\": [1], \"f\": \"x\\u0000y\"}";
    ft_error err;
    size_t n;
    ft_row *row = ft_row_parse(json, strlen(json), NULL, &err);
    CHECK_TEXT(ft_row_field(row, "a.b", NULL), "1.50");
    CHECK(strncmp(ft_row_field(row, "c", &n), "true", n) == 0 && n == 4);
    CHECK(!ft_row_field(row, "d", &n) && !ft_row_field(row, "e", &n) && !ft_row_field(row, "none", &n));
    CHECK(ft_row_field(row, "f", &n) && n == 3);
    ft_row_free(row);
}

TEST(custom, a_job_uses_a_function) {
    static const char job_json[] =
        "{\"base\": {\"model\": \"none.gguf\"}, \"candidates\": [{\"name\": \"c\", \"model\": \"none.gguf\"}],"
        " \"data\": [{\"path\": \"rows.jsonl\"}], \"prompt\": {\"template\": \"none\"},"
        " \"evaluators\": [{\"use\": \"own\", \"name\": \"mine\"}, {\"use\": \"length\"}],"
        " \"gate\": {\"rules\": [{\"evaluator\": \"mine\", \"max_drop\": 0}]}, \"output\": null}";
    static const char *const with_params = "evaluators.0.params={}";
    double one = 1;
    ft_error err = {FT_OK, "", ""};
    ft_job_evaluator own = {own_info(), by_length, &one};
    ft_job_desc desc;
    memset(&desc, 0, sizeof desc);
    test_write(test_path("rows.jsonl"), "{\"prompt\": \"p\"}\n", 16);
    test_write(test_path("job.json"), job_json, strlen(job_json));
    CHECK(!ft_job_load(test_path("job.json"), &desc, &err));
    CHECK_ERROR(err.code, FT_ERR_JOB, err, "no evaluator is called \"own\"");
    desc.evaluators = &own;
    desc.n_evaluators = 1;
    ft_job *job = ft_job_load(test_path("job.json"), &desc, &err);
    CHECK_OK(job ? FT_OK : err.code, err);
    ft_job_free(job);
    desc.sets = &with_params;
    desc.n_sets = 1;
    CHECK(!ft_job_load(test_path("job.json"), &desc, &err));
    CHECK_ERROR(err.code, FT_ERR_JOB, err, "own takes no parameters");
}

/* ---- rubrics */

#define HAS(text, more) "{\"use\": \"contains\", \"params\": {\"text\": \"" text "\"}" more "}"

TEST(custom, rubrics_combine_checks) {
    static const struct {
        const char *params, *row, *output;
        double value;
        const char *detail;
    } rows[] = {
        {"{\"checks\": [" HAS("a", "") ", " HAS("b", "") "]}", "{}", "a", 0.5, "contains: does not contain \"b\""},
        {"{\"checks\": [" HAS("a", "") ", " HAS("b", ", \"weight\": 3") "]}", "{}", "b", 0.75,
         "contains: does not contain \"a\""},
        {"{\"checks\": [" HAS("a", "") ", " HAS("b", "") "], \"mode\": \"all\"}", "{}", "a", 0,
         "contains: does not contain \"b\""},
        {"{\"checks\": [" HAS("a", "") ", " HAS("b", "") "], \"mode\": \"all\"}", "{}", "ab", 1, ""},
        {"{\"checks\": [" HAS("a", "") ", " HAS("b", "") "], \"mode\": \"any\"}", "{}", "b", 1,
         "contains: does not contain \"a\""},
        {"{\"checks\": [" HAS("a", "") ", " HAS("b", "") "], \"mode\": \"any\"}", "{}", "c", 0,
         "contains: does not contain \"a\""},
        {"{\"checks\": [" HAS("a", "") ", " HAS("b", ", \"name\": \"eu\", \"cohorts\": [\"eu_*\"]") "]}",
         "{\"cohort\": \"us\"}", "a", 1, ""},
        {"{\"checks\": [" HAS("a", "") ", " HAS("b", ", \"name\": \"eu\", \"cohorts\": [\"eu_*\"]") "]}",
         "{\"cohort\": [\"us\", \"eu_1\"]}", "a", 0.5, "eu: does not contain \"b\""},
        {"{\"checks\": [{\"use\": \"token_f1\"}], \"credit\": \"value\"}", "{\"expected\": \"x y\"}", "x z", 0.5, ""},
        {"{\"checks\": [{\"use\": \"rubric\", \"params\": {\"checks\": [" HAS("a", "") "]}}]}", "{}", "a", 1, ""},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        ft_error err = {FT_OK, "", ""};
        ft_score s;
        ft_evaluator *e = ft_evaluator_create("rubric", rows[i].params, NULL, &err);
        ft_row *row = ft_row_parse(rows[i].row, strlen(rows[i].row), NULL, &err);
        if (!CHECK_OK(e ? FT_OK : err.code, err)) continue;
        CHECK_OK(ft_evaluate(e, row, rows[i].output, strlen(rows[i].output), &s, &err), err);
        CHECK_INT(s.state, FT_SCORED);
        CHECK_NEAR(s.value, rows[i].value, 0);
        CHECK_TEXT(s.detail, rows[i].detail);
        ft_row_free(row);
        ft_evaluator_free(e);
    }
}

TEST(custom, rubrics_without_a_score) {
    ft_error err = {FT_OK, "", ""};
    ft_score s;
    ft_row *row = ft_row_parse("{}", 2, NULL, &err);
    ft_evaluator *e = ft_evaluator_create(
        "rubric", "{\"checks\": [" HAS("b", ", \"cohorts\": [\"eu\"]") "]}", NULL, &err);
    CHECK_OK(ft_evaluate(e, row, "b", 1, &s, &err), err);
    CHECK_INT(s.state, FT_NOT_APPLICABLE);
    ft_evaluator_free(e);
    e = ft_evaluator_create("rubric", "{\"checks\": [" HAS("b", "") ", {\"use\": \"exact_match\"}]}", NULL, &err);
    CHECK_OK(ft_evaluate(e, row, "b", 1, &s, &err), err);
    CHECK(s.state == FT_SCORE_ERROR && s.value == 0);
    CHECK_TEXT(s.detail, "exact_match: row has no \"expected\"");
    ft_evaluator_free(e);
    ft_row_free(row);
}

TEST(custom, mistakes_in_rubrics_are_named) {
    static const char *const rows[][2] = {
        {"{}", "parameter \"checks\""},
        {"{\"checks\": []}", "parameter \"checks\""},
        {"{\"checks\": [5]}", "checks[0]: must be an object"},
        {"{\"checks\": [{}]}", "checks[0]: \"use\" is missing"},
        {"{\"checks\": [{\"use\": \"contain\"}]}", "did you mean \"contains\""},
        {"{\"checks\": [" HAS("a", "") ", " HAS("a", ", \"wieght\": 2") "]}", "checks[1]: there is no key \"wieght\""},
        {"{\"checks\": [" HAS("a", ", \"weight\": 0") "]}", "above 0"},
        {"{\"checks\": [" HAS("a", ", \"weight\": \"2\"") "]}", "wrong type"},
        {"{\"checks\": [" HAS("a", ", \"cohorts\": [1]") "]}", "list of texts"},
        {"{\"checks\": [" HAS("", "") "]}", "checks[0]: contains: parameter"},
        {"{\"checks\": [" HAS("a", "") "], \"mode\": \"most\"}", "\"weighted\""},
        {"{\"checks\": [{\"use\": \"choice_accuracy\"}]}", "texts only"},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        ft_error err = {FT_OK, "", ""};
        CHECK(!ft_evaluator_create("rubric", rows[i][0], NULL, &err));
        CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, rows[i][1]);
    }
}
