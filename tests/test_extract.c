/* JSON in prose. */
#include "../src/eval/eval.h"
#include "test.h"

/* What is found in the text; NULL: nothing (static). */
static const char *json_in(const char *text) {
    static char found[600];
    ft__view v = {text, strlen(text)}, at;
    if (!ft__extract_json(v, 0, &at)) return NULL;
    CHECK(at.text >= text && at.text + at.n <= text + v.n);
    bool valid = false;
    CHECK_INT(ft__json_valid(at.text, at.n, NULL, &valid), FT_OK);
    if (!CHECK(valid)) test_note("%.*s", (int)at.n, at.text);
    snprintf(found, sizeof found, "%.*s", (int)at.n, at.text);
    return found;
}

TEST(extract, finds_values_in_prose) {
    static const char *const cases[][2] = {
        {"{\"a\": 1}", "{\"a\": 1}"},
        {" 42\n", "42"},
        {"\"text with { in it\"", "\"text with { in it\""},
        {"Sure! {\"a\": {\"b\": [1, 2]}} is it.", "{\"a\": {\"b\": [1, 2]}}"},
        {"{\"a\": \"}\", \"b\": \"\\\"}\"} {}", "{\"a\": \"}\", \"b\": \"\\\"}\"}"},
        {"use {braces} and [words] then [1, 2]", "[1, 2]"},
        {"{not json {\"a\": 1}", "{\"a\": 1}"},
        {"{\"a\": 1, {\"b\": 2}}", "{\"b\": 2}"},
        {"[\"said {\"a\": 1}\"]", "{\"a\": 1}"},
        {"[[1], [2], oops] [3]", "[1]"},
        {"[[[1], [2]], oops]", "[[1], [2]]"},
        {"{\"a\": [1, 2}, {\"b\": 3}", "{\"b\": 3}"},
        {"{'a': 1} {\"a\": 1,} {\"a\": 01} [1 2] {\"\\x\": 1} [\"\t\"] [1.] [nul] [-] [1e] [true]",
         "[true]"},
        {"[\"\\ud800\"] [\"\\udc00\"] [\"\\ud83d\\ude00\"]", "[\"\\ud83d\\ude00\"]"},
        {"[\"\xFF\"] [1e999] [\"\xC3\xA9\"]", "[\"\xC3\xA9\"]"},
        {"none { here [", NULL},
        {"", NULL},
        {"\xFF{\xC3", NULL},
    };
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        const char *found = json_in(cases[i][0]);
        if (!cases[i][1])
            CHECK(found == NULL);
        else if (CHECK(found != NULL))
            CHECK_TEXT(found, cases[i][1]);
    }
}

TEST(extract, prefers_fences) {
    CHECK_TEXT(json_in("As [1] says:\n```json\n{\"a\": \"```\"}\n```\n[2]"), "{\"a\": \"```\"}");
    CHECK_TEXT(json_in("[1]\n~~~ JSON\n  \"text\"\n~~~"), "\"text\"");
    CHECK_TEXT(json_in("[1] ```json{\"a\": 2}```"), "{\"a\": 2}");
    /* Without the label it is prose; a fence that holds no JSON is passed over. */
    CHECK_TEXT(json_in("[1]\n```\n[2]\n```"), "[1]");
    CHECK_TEXT(json_in("[1]\n```json\n{a: 1}\n```\n```json\n[2]\n```"), "[2]");
    CHECK_TEXT(json_in("[1]\n```json\nnothing\n```"), "[1]");
    CHECK_TEXT(json_in("[1] ```jsonl\n[2]\n```"), "[1]");
    CHECK(json_in("```json") == NULL);
    CHECK(json_in("```json\n") == NULL);
}

TEST(extract, goes_on_from_where_it_was) {
    const char *text = "a [1] b {\"c\": [2]} d [3";
    ft__view v = {text, strlen(text)}, at;
    size_t from = 0, n = 0;
    for (; ft__extract_next(v, from, &at); n++) {
        CHECK_INT(at.text - text, n == 0 ? 2 : 8);
        from = (size_t)(at.text + at.n - text);
    }
    CHECK_INT(n, 2);
    CHECK(!ft__extract_json(v, v.n, &at));
}

TEST(extract, nesting_is_bounded) {
    char text[2 * FT__JSON_MAX_DEPTH + 3];
    for (int depth = FT__JSON_MAX_DEPTH - 1; depth <= FT__JSON_MAX_DEPTH + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        ft__view v = {text, 2 * (size_t)depth}, at;
        if (!CHECK(ft__extract_next(v, 0, &at))) continue;
        /* Too deep as a whole: what lies in it is still a value. */
        CHECK_INT(at.n, 2 * (depth > FT__JSON_MAX_DEPTH ? FT__JSON_MAX_DEPTH : depth));
    }
}

TEST(extract, takes_linear_time) {
    static const char *const units[] = {"[",    "{\"a\":",      "[\"",          "\"[",
                                        "[1,",  "{\"a\":[\"{",  "```json\n[\"", "[\"\\\"",
                                        "[[],", "[\"```json [", "{\"",          "[\"a\",\"[\"b\","};
    enum { N = 2000000 };
    char *text = (char *)malloc(N);
    for (size_t u = 0; u < FT__COUNT(units); u++) {
        size_t n = strlen(units[u]);
        for (size_t i = 0; i < N; i++) text[i] = units[u][i % n];
        ft__view v = {text, N}, at;
        double start = ft__seconds();
        ft__extract_json(v, 0, &at);
        double took = ft__seconds() - start;
        if (took > 1) test_note("unit %s: %.2f s", units[u], took);
        CHECK(took < 2);
    }
    free(text);
}
