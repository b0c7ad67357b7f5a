/* json_valid with extraction, json_equal, json_fields. */
#include "../src/eval/eval.h"
#include "test.h"

static ft_score judge_n(const char *name, const char *params, const char *row_json,
                        const char *output, size_t n) {
    ft_error err = {FT_OK, "", ""};
    ft_score s;
    memset(&s, 0, sizeof s);
    ft_evaluator *e = ft_evaluator_create(name, params, NULL, &err);
    ft_row *row = ft_row_parse(row_json, strlen(row_json), NULL, &err);
    if (CHECK(e && row))
        CHECK_OK(ft_evaluate(e, row, output, n, &s, &err), err);
    else
        test_note("%s", err.message);
    ft_row_free(row);
    ft_evaluator_free(e);
    return s;
}

static ft_score judge(const char *name, const char *params, const char *row, const char *output) {
    return judge_n(name, params, row, output, strlen(output));
}

TEST(structure, json_valid_may_look_into_prose) {
    CHECK_INT(judge("json_valid", NULL, "{}", "see {}").pass, 0);
    CHECK_INT(judge("json_valid", "{\"extract\": true}", "{}", "see {}").pass, 1);
    CHECK_INT(
        judge("json_valid", "{\"extract\": true, \"type\": \"object\"}", "{}", "see [1]").pass, 0);
    ft_score s = judge("json_valid", "{\"extract\": true}", "{}", "nothing");
    CHECK_INT(s.state, FT_SCORED);
    CHECK_TEXT(s.detail, "no JSON in the output");
}

TEST(structure, json_equal) {
    static const struct {
        const char *expected, *output;
        bool equal;
    } cases[] = {
        {"{\"a\": 1, \"b\": [true, null]}", "{\"b\":[true,null],\"a\":1.0}", true},
        {"{\"a\": 1}", "{\"a\": 1, \"b\": 2}", false},
        {"{\"a\": 1, \"b\": 2}", "{\"a\": 1}", false},
        {"{\"a\": 1}", "{\"a\": 2, \"a\": 1}", true}, /* the last of a repeated key counts */
        {"{\"a\": 1}", "{\"a\": 1, \"a\": 2}", false},
        {"[1, 2]", "[2, 1]", false},
        {"[]", "{}", false},
        {"{\"0\": 1}", "[1]", false},
        {"1", "true", false},
        {"false", "0", false},
        {"100", "1e2", true},
        {"0", "-0.0", true},
        {"9007199254740993", "9007199254740992", false},
        {"9007199254740993", "9007199254740993.0", true},
        {"0.1", "0.10000000000000000001", false},
        {"1.5e-3", "0.00150", true},
        {"\"{\\\"a\\\": [1]}\"", "{\"a\": [1]}", true}, /* a text that holds JSON */
        {"\"\\\"x\\\"\"", "\"x\"", true},
        {"\"\\u00e9\"", "", false},
    };
    for (size_t i = 0; i + 1 < FT__COUNT(cases); i++) {
        char row[200];
        snprintf(row, sizeof row, "{\"expected\": %s}", cases[i].expected);
        ft_score s = judge("json_equal", NULL, row, cases[i].output);
        CHECK_INT(s.state, FT_SCORED);
        if (!CHECK((s.value >= 1) == cases[i].equal))
            test_note("%s and %s", cases[i].expected, cases[i].output);
        CHECK((s.detail[0] == 0) == cases[i].equal);
        /* The fields agree wherever the whole does. */
        double fields = judge("json_fields", NULL, row, cases[i].output).value;
        CHECK((fields >= 1) == cases[i].equal);
    }
    CHECK_TEXT(judge("json_equal", NULL, "{\"expected\": {\"a\": {\"b\": [1, 2]}}}",
                     "{\"a\": {\"b\": [1, 3]}}")
                   .detail,
               "differs: /a/b/1");
    CHECK_INT(judge("json_equal", NULL, "{\"expected\": \"no json\"}", "{}").state, FT_SCORE_ERROR);
    CHECK_INT(judge("json_equal", NULL, "{\"expected\": {}}", "no json").state, FT_SCORED);
    CHECK_INT(judge("json_equal", NULL, "{\"expected\": {}}", "in {} prose").pass, 0);
    CHECK_INT(judge("json_equal", "{\"extract\": true}", "{\"expected\": {}}", "in {} prose").pass,
              1);
}

TEST(structure, json_fields) {
    const char *row = "{\"expected\": {\"name\": \"Ann\", \"age\": 30, \"tags\": [\"a\", \"b\"]}}";
    CHECK_NEAR(judge("json_fields", NULL, row,
                     "{\"tags\": [\"a\", \"b\"], \"age\": 30, \"name\": \"Ann\"}")
                   .value,
               1, 0);
    /* three of four right, none extra; then one extra */
    ft_score s = judge("json_fields", NULL, row,
                       "{\"name\": \"Ann\", \"age\": 31, \"tags\": [\"a\", \"b\"]}");
    CHECK_NEAR(s.value, 2.0 * 3 / (4 + 4), 1e-15);
    CHECK_TEXT(s.detail, "3 of 4 fields right, 4 given; first not: /age");
    CHECK_NEAR(judge("json_fields", NULL, row,
                     "{\"name\": \"Ann\", \"tags\": [\"a\", \"b\"], \"x\": {\"y\": 1}}")
                   .value,
               2.0 * 3 / (4 + 4), 1e-15);
    CHECK_NEAR(judge("json_fields", NULL, row, "{}").value, 0, 0);
    CHECK_NEAR(judge("json_fields", NULL, row, "{\"name\": {\"first\": \"Ann\"}}").value, 0, 0);
    CHECK_NEAR(judge("json_fields", NULL, "{\"expected\": {\"a\": []}}", "{\"a\": [[]]}").value, 0,
               0);
    CHECK_NEAR(
        judge("json_fields", "{\"tolerance\": 0.5}", "{\"expected\": [1, 2]}", "[1.5, 2.6]").value,
        0.5, 0);
    CHECK_NEAR(judge("json_fields", NULL, "{\"expected\": 5}", "5").value, 1, 0);
    s = judge("json_fields", NULL, row, "[[[");
    CHECK_INT(s.state, FT_SCORED);
    CHECK(s.value <= 0 && s.detail[0]);
}

/* Members in the worst order, keys that share long beginnings, and a path too long to print. */
TEST(structure, large_objects_take_little_time) {
    enum { N = 100000 };
    ft__buf row, output;
    ft__buf_init(&row, NULL);
    ft__buf_init(&output, NULL);
    ft__buf_text(&row, "{\"expected\": {");
    ft__buf_text(&output, "{");
    for (int i = 0; i < N; i++) {
        ft__buf_printf(&row, "%s\"a_common_beginning_%d\": %d", i ? "," : "", i, i);
        ft__buf_printf(&output, "%s\"a_common_beginning_%d\": %d", i ? "," : "", N - 1 - i,
                       N - 1 - i);
    }
    ft__buf_text(&row, "}}");
    ft__buf_text(&output, "}");
    double start = ft__seconds();
    CHECK_NEAR(judge_n("json_fields", NULL, row.data, output.data, output.len).value, 1, 0);
    CHECK(ft__seconds() - start < 5);
    ft__buf_free(&row);
    ft__buf_free(&output);
    /* A path too long to print is cut between characters. */
    char values[2][160];
    for (int side = 0; side < 2; side++) {
        size_t n = (size_t)snprintf(values[side], sizeof values[side],
                                    side ? "{\"" : "{\"expected\": {\"");
        for (int i = 0; i < 60; i++) memcpy(values[side] + n, "\xC3\xA9", 2), n += 2;
        snprintf(values[side] + n, sizeof values[side] - n, side ? "\": 2}" : "\": 1}}");
    }
    ft_score s = judge("json_equal", NULL, values[0], values[1]);
    const char *p = s.detail, *end = p + strlen(p);
    CHECK(strstr(s.detail, "...") != NULL);
    while (p < end) CHECK(ft__utf8_next(&p, end) != FT__BAD_UTF8);
}

TEST(structure, order_of_values) {
    static const char *const sorted[] = {"null",
                                         "false",
                                         "true",
                                         "-1e300",
                                         "-9007199254740993",
                                         "-9007199254740992",
                                         "-0.5",
                                         "-1e-400",
                                         "0",
                                         "1e-400",
                                         "2e-400",
                                         "0.1",
                                         "0.10000000000000000001",
                                         "1",
                                         "10.5",
                                         "10.50001",
                                         "9007199254740992",
                                         "9007199254740993",
                                         "90071992547409930",
                                         "\"\"",
                                         "\"a\"",
                                         "\"ab\"",
                                         "\"b\"",
                                         "[]",
                                         "[1]",
                                         "[2]",
                                         "[1, 2]",
                                         "{}",
                                         "{\"a\": 1}",
                                         "{\"a\": 2}",
                                         "{\"b\": 1}"};
    ft_allocator a = ft__allocator(NULL);
    ft__arena arena;
    ft__json *values[FT__COUNT(sorted)];
    ft__arena_init(&arena, &a);
    for (size_t i = 0; i < FT__COUNT(sorted); i++)
        CHECK_INT(ft__json_parse(sorted[i], strlen(sorted[i]), "", 1, &arena, &values[i], NULL),
                  FT_OK);
    for (size_t i = 0; i < FT__COUNT(sorted); i++)
        for (size_t j = 0; j < FT__COUNT(sorted); j++) {
            int order = ft__json_compare(values[i], values[j]);
            if (!CHECK((order > 0) - (order < 0) == (i > j) - (i < j)))
                test_note("%s and %s", sorted[i], sorted[j]);
        }
    ft__arena_free(&arena);
}
