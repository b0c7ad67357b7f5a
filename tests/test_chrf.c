/* chrF and chrF++. */
#include "../src/eval/eval.h"
#include "test.h"

static ft_score judge(const char *name, const char *params, const char *row_json,
                      const char *output) {
    ft_error err;
    ft_score score;
    memset(&score, 0, sizeof score);
    ft_evaluator *e = ft_evaluator_create(name, params, NULL, &err);
    ft_row *row = ft_row_parse(row_json, strlen(row_json), NULL, &err);
    if (CHECK(e && row)) ft_evaluate(e, row, output, strlen(output), &score, &err);
    ft_row_free(row);
    ft_evaluator_free(e);
    return score;
}

/* Orders 1 and 2: 2 of 3 and 1 of 2 of the output, 2 of 2 and 1 of 1 of the reference; order 3 is
   only in the output. */
TEST(chrf, by_hand) {
    double p = (2.0 / 3 + 1.0 / 2) / 2, r = 1;
    ft_score s = judge("chrf", NULL, "{\"expected\": \"ab\"}", "ab c");
    CHECK_NEAR(s.value, 100 * 5 * p * r / (4 * p + r), 1e-9);
    s = judge("chrf", "{\"beta\": 1}", "{\"expected\": \"ab\"}", "abc");
    CHECK_NEAR(s.value, 100 * 2 * p * r / (p + r), 1e-9);
}

/* Characters: 2 of 3 and 3, 1 of 2 and 2, 0 of 1 and 1.  Words: 0 of 1; x and ! against ab. */
TEST(chrf, words) {
    double p = (2.0 / 3 + 1.0 / 2 + 0 + 1.0 / 2 + 0) / 5;
    ft_score s = judge("chrf++", NULL, "{\"expected\": \"ab.\"}", "ab!");
    CHECK_NEAR(s.value, 100 * p, 1e-9);
}

TEST(chrf, white_space_and_case) {
    CHECK(judge("chrf", NULL, "{\"expected\": \"a b\"}", "ab").value == 100);
    CHECK(judge("chrf", "{\"whitespace\": true}", "{\"expected\": \"a b\"}", "ab").value < 100);
    CHECK(judge("chrf++", NULL, "{\"expected\": \"a b\"}", "ab").value < 100);
    CHECK(judge("chrf", NULL, "{\"expected\": \"\xC3\x89\"}", "\xC3\xA9").value == 0);
    ft_score s = judge("chrf", "{\"lowercase\": true}", "{\"expected\": \"\xC3\x89\"}", "\xC3\xA9");
    CHECK(s.value == 100);
}

TEST(chrf, edges) {
    CHECK(judge("chrf", NULL, "{\"expected\": \"\"}", "").value == 0);
    CHECK(judge("chrf", NULL, "{\"expected\": \"\"}", "a").value == 0);
    CHECK(judge("chrf++", NULL, "{\"expected\": \"a\"}", "").value == 0);
    CHECK(judge("chrf++", NULL, "{\"expected\": \"a\"}", "a").value == 100);
    CHECK(judge("chrf", NULL, "{\"expected\": \"aaaa\"}", "aa").value < 100);
    CHECK_INT(judge("chrf", NULL, "{\"expected\": \"a\"}", "\xFF" "a\xC3").state, FT_SCORED);
    CHECK_INT(judge("chrf", NULL, "{}", "a").state, FT_SCORE_ERROR);
}

TEST(chrf, the_best_reference_counts) {
    ft_score s = judge("chrf", NULL, "{\"references\": [\"xyz\", \"abd\", \"abc\", \"\"]}", "abc");
    CHECK(s.value == 100);
}

static int collect(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n);
    return 0;
}

static double metric(const char *call) {
    ft_allocator a = ft__allocator(NULL);
    ft_error err;
    ft__buf b;
    ft__arena arena;
    ft__json *value = NULL;
    ft__buf_init(&b, &a);
    ft__arena_init(&arena, &a);
    CHECK_OK(ft_metric(call, strlen(call), NULL, collect, &b, &err), err);
    CHECK_OK(ft__json_parse(b.data, b.len, "answer", 1, &arena, &value, &err), err);
    const ft__json *number = ft__json_get(value, "value");
    double result = number ? number->number : -1;
    ft__arena_free(&arena);
    ft__buf_free(&b);
    return result;
}

/* A corpus adds up counts: 2 of 2 and 0 of 2 characters. */
TEST(chrf, corpus) {
    CHECK_NEAR(metric("{\"metric\": \"chrf_corpus\", \"params\": {\"char_order\": 1}, \"input\":"
                      " {\"predictions\": [\"ab\", \"cd\"],"
                      " \"references\": [[\"xy\", \"ab\"], [\"ef\"]]}}"),
               50, 1e-9);
    CHECK_NEAR(metric("{\"metric\": \"chrf_sentence\", \"params\": {\"eps_smoothing\": true,"
                      " \"char_order\": 4}, \"input\": {\"prediction\": \"ab\","
                      " \"references\": [\"ab\"]}}"),
               50, 1e-9);
}
