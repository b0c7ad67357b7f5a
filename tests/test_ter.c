/* TER: edits by hand, shifts, the beam's edges, texts that are too long, and the short cuts against
   the definition. */
#include "../src/eval/eval.h"
#include "test.h"

static ft_score judge(const char *params, const char *row_json, const char *output, size_t n) {
    ft_error err;
    ft_score score;
    memset(&score, 0, sizeof score);
    ft_evaluator *e = ft_evaluator_create("ter", params, NULL, &err);
    ft_row *row = ft_row_parse(row_json, strlen(row_json), NULL, &err);
    if (CHECK(e && row)) ft_evaluate(e, row, output, n, &score, &err);
    ft_row_free(row);
    ft_evaluator_free(e);
    return score;
}

/* Edits per 100 words of one reference. */
static double ter(const char *expected, const char *output) {
    char row[2000];
    snprintf(row, sizeof row, "{\"expected\": \"%s\"}", expected);
    return judge(NULL, row, output, strlen(output)).value;
}

TEST(ter, edits) {
    CHECK_NEAR(ter("a b c d", "a b c d"), 0, 0);
    CHECK_NEAR(ter("a b c d", "a b X d"), 25, 1e-12);
    CHECK_NEAR(ter("a b c d", "a b d"), 25, 1e-12);
    CHECK_NEAR(ter("a b c d", "A b c d e"), 25, 1e-12);
    CHECK_NEAR(ter("a b", "c d e f g"), 250, 1e-12);
}

TEST(ter, a_block_moves_as_one_edit) {
    CHECK_NEAR(ter("a b c d e f g h", "e f g h a b c d"), 12.5, 1e-12);
    CHECK_NEAR(ter("a b c d e f g h", "c d a b e f h g"), 25, 1e-12);
    CHECK_NEAR(ter("a a a b b b", "b b b a a a"), 100.0 / 6, 1e-12);
}

TEST(ter, edges) {
    CHECK_NEAR(ter("", ""), 0, 0);
    CHECK_NEAR(ter("", "a b c"), 100, 0);
    CHECK_NEAR(ter("a b", ""), 100, 0);
    CHECK_NEAR(ter("a", "a"), 0, 0);
    CHECK_INT(judge(NULL, "{\"expected\": \"a\"}", "\xFF\0\xC3", 3).state, FT_SCORED);
    CHECK_INT(judge(NULL, "{}", "a", 1).state, FT_SCORE_ERROR);
}

/* The least edits, the mean of the lengths. */
TEST(ter, several_references) {
    ft_score s = judge(NULL, "{\"references\": [\"a b c d\", \"a b\"]}", "a b x", 5);
    CHECK_NEAR(s.value, 100 * 1 / 3.0, 1e-12);
}

TEST(ter, parameters) {
    CHECK_NEAR(judge("{\"case_sensitive\": true}", "{\"expected\": \"A\"}", "a", 1).value, 100, 0);
    CHECK_NEAR(judge("{\"no_punct\": true}", "{\"expected\": \"a, b\"}", "a b.", 4).value, 0, 0);
    CHECK_NEAR(judge("{\"normalized\": true}", "{\"expected\": \"a, b\"}", "a b", 3).value,
               100.0 / 3, 1e-12);
}

static char *repeat(const char *piece, size_t n) {
    size_t length = strlen(piece);
    char *text = (char *)malloc(n * length + 1);
    for (size_t i = 0; i < n; i++) memcpy(text + i * length, piece, length);
    text[n * length] = 0;
    return text;
}

static char *row_of(const char *expected) {
    char *row = (char *)malloc(strlen(expected) + 32);
    sprintf(row, "{\"expected\": \"%s\"}", expected);
    return row;
}

TEST(ter, lengths_that_differ_much) {
    char *many = repeat("a b ", 3000), *row = row_of(many);
    CHECK_NEAR(judge(NULL, row, "a", 1).value, 100 * 5999.0 / 6000, 1e-9);
    CHECK_NEAR(ter("a", many), 100 * 5999.0, 1e-9);
    free(many);
    free(row);
}

/* A long text with one block elsewhere: one edit, and only the rows that change are computed. */
TEST(ter, one_move_in_a_long_text) {
    ft_allocator a = ft__allocator(NULL);
    ft__buf first, second;
    ft__buf_init(&first, &a);
    ft__buf_init(&second, &a);
    for (int i = 0; i < 20000; i++) {
        int other = i < 9000 || i >= 9020 ? i : i < 9015 ? i + 5 : i - 15;
        ft__buf_printf(&first, "w%d ", i);
        ft__buf_printf(&second, "w%d ", other);
    }
    char *row = row_of(first.data);
    double start = ft__seconds();
    CHECK_NEAR(judge(NULL, row, second.data, second.len).value, 100 / 20000.0, 1e-12);
    CHECK(ft__seconds() - start < 5);
    free(row);
    ft__buf_free(&first);
    ft__buf_free(&second);
}

TEST(ter, what_would_take_too_long_is_refused) {
    char *many = repeat("a b c c ", 200000), *other = repeat("b a c d ", 200000);
    char *row = row_of(many);
    ft_score s = judge(NULL, row, other, strlen(other));
    CHECK_INT(s.state, FT_SCORE_ERROR);
    CHECK(strstr(s.detail, "too long for TER") != NULL);
    free(many);
    free(other);
    free(row);
}
