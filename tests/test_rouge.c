#include "judge_text.h"

static double f(const char *type, bool stem, const char *output, const char *reference) {
    static char line[1024];
    char path[32];
    snprintf(line, sizeof line,
             "{\"metric\": \"rouge\", \"params\": {\"use_stemmer\": %s, \"types\": [\"%s\"]}, "
             "\"input\": {\"prediction\": \"%s\", \"reference\": \"%s\"}}",
             stem ? "true" : "false", type, output, reference);
    snprintf(path, sizeof path, "%s.fmeasure", type);
    return metric_value(line, path);
}

TEST(rouge, counts_ngrams) {
    CHECK_NEAR(f("rouge1", false, "red red fish", "red fish blue fish"), 4.0 / 7, 1e-15);
    CHECK_NEAR(f("rouge2", false, "a b c a b", "a b a b"), 4.0 / 7, 1e-15);
    CHECK_NEAR(f("rouge3", false, "a b c d", "x a b c"), 0.5, 1e-15);
    CHECK(f("rouge9", false, "a b c", "a b c") == 0);
    CHECK(f("rouge1", false, "", "") == 0);
    CHECK(f("rouge1", false, "a", "") == 0);
    CHECK(strstr(metric_answer("{\"metric\": \"rouge\", \"params\": {\"types\": [\"rouge0\"]}, "
                               "\"input\": {\"prediction\": \"\", \"reference\": \"\"}}"),
                 "error") != NULL);
}

TEST(rouge, tokens_are_ascii) {
    CHECK(f("rouge1", false, "na\xC3\xAFve", "NA-VE!") == 1);
    CHECK(f("rouge1", false, "\xE4\xBD\xA0\xE5\xA5\xBD", "\xE4\xBD\xA0\xE5\xA5\xBD") == 0);
    CHECK(f("rouge1", false, "\xE2\x84\xAA" "elvin", "kelvin") == 1); /* the Kelvin sign */
    CHECK_NEAR(f("rouge1", false, "D\xC4\xB0N", "di n"), 1, 0);       /* I with a dot */
    CHECK(f("rouge1", true, "the walkers walked", "the walker walks") == 1);
    CHECK_NEAR(f("rouge1", true, "ties", "tie"), 1, 0); /* short words stay, ties -> tie */
    CHECK(f("rouge1", true, "was", "wa") == 0);
}

TEST(rouge, subsequences) {
    CHECK_NEAR(f("rougeL", false, "a x b y c", "c a b d c"), 0.6, 1e-15);
    CHECK_NEAR(f("rougeL", false, "a\\nb", "b\\na"), 0.5, 1e-15);
    /* Line by line both are found; as one list only one of them. */
    CHECK_NEAR(f("rougeLsum", false, "a\\nb", "b\\na"), 1, 0);
    /* Of b c and b d in the first line it takes b c, going up where left is no better; so the
       second line finds nothing new, and d is not hit. */
    CHECK_NEAR(f("rougeLsum", false, "b d c\\nc", "b c d"), 4.0 / 7, 1e-15);
    CHECK_NEAR(f("rougeLsum", false, "a a\\na", "a\\na\\na\\na"), 6.0 / 7, 1e-15);
    CHECK(f("rougeLsum", false, "\\n \\n", "a") == 0);
}

/* The textbook's table. */
static size_t plain_lcs(const unsigned char *x, size_t n, const unsigned char *y, size_t m) {
    static size_t row[512];
    memset(row, 0, sizeof row);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0, diagonal = 0; j < m; j++) {
            size_t up = row[j + 1];
            if (x[i] == y[j]) row[j + 1] = diagonal + 1;
            else if (row[j] > up) row[j + 1] = row[j];
            diagonal = up;
        }
    return row[m];
}

TEST(rouge, lcs_equals_the_plain_table) {
    for (uint64_t run = 0; run < 60; run++) {
        unsigned char x[300], y[300];
        char row[1024], output[1024];
        size_t n = 1 + (size_t)(ft__random_unit(1, run, 0, 0) * 299);
        size_t m = 1 + (size_t)(ft__random_unit(1, run, 1, 0) * 299), at = 0;
        double letters = 2 + (double)(run % 20);
        for (size_t i = 0; i < n; i++) {
            x[i] = (unsigned char)('a' + ft__random_unit(1, run, 2, (uint32_t)i) * letters);
            output[2 * i] = (char)x[i], output[2 * i + 1] = ' ';
        }
        at = (size_t)snprintf(row, sizeof row, "{\"expected\": \"");
        for (size_t j = 0; j < m; j++) {
            y[j] = (unsigned char)('a' + ft__random_unit(1, run, 3, (uint32_t)j) * letters);
            row[at++] = (char)y[j], row[at++] = ' ';
        }
        snprintf(row + at, sizeof row - at, "\"}");
        double want = (double)plain_lcs(x, n, y, m);
        static const char recall[] = "{\"measure\": \"recall\"}";
        static const char precision[] = "{\"measure\": \"precision\"}";
        CHECK_NEAR(judge_bytes("rougeL", recall, row, output, 2 * n).value, want / (double)m,
                   1e-15);
        /* On one line each, Lsum walks through the table and must come to the same. */
        CHECK_NEAR(judge_bytes("rougeLsum", precision, row, output, 2 * n).value, want / (double)n,
                   1e-15);
    }
}

TEST(rouge, evaluators) {
    static const char row[] = "{\"expected\": \"\xD0\xB4\xD0\xB0\", \"references\": [\"one two\"]}";
    CHECK_NEAR(judge("rouge1", NULL, row, "two three").value, 0.5, 0);
    CHECK_NEAR(judge("rouge1", NULL, "{\"references\": [\"a b\", \"c\", \"c d\"]}", "c d").value, 1,
               0);
    /* Nothing to compare with is no score. */
    CHECK_INT(
        judge("rouge1", NULL, "{\"expected\": \"\xD0\xB4\xD0\xB0\"}", "\xD0\xB4\xD0\xB0").state,
        FT_SCORE_ERROR);
    CHECK_INT(judge("rougeL", NULL, "{\"expected\": \"\"}", "").state, FT_SCORE_ERROR);
    CHECK_INT(judge("rouge2", NULL, "{\"expected\": \"one\"}", "one").state, FT_SCORE_ERROR);
    CHECK_INT(judge("rouge2", NULL, "{\"expected\": \"one two\"}", "").state, FT_SCORED);
    CHECK_NEAR(judge("rougeL", NULL, "{\"expected\": \"x y\"}", "\xFF x\xC3 y \xF0\x9F").value, 1,
               0);
}

TEST(rouge, refuses_what_would_not_end) {
    enum { LINES = 60000 };
    char *text = (char *)malloc(2 * LINES + 32), *row = (char *)malloc(4 * LINES + 64);
    size_t at = (size_t)snprintf(row, 32, "{\"expected\": \"");
    for (int i = 0; i < LINES; i++) {
        memcpy(text + 2 * i, i % 2 ? "b\n" : "a\n", 2);
        memcpy(row + at, i % 2 ? "a\\n" : "b\\n", 3);
        at += 3;
    }
    memcpy(row + at, "\"}", 3);
    double start = ft__seconds();
    ft_score sum = judge_bytes("rougeLsum", NULL, row, text, 2 * LINES);
    ft_score whole = judge_bytes("rougeL", NULL, row, text, 2 * LINES);
    CHECK_INT(sum.state, FT_SCORE_ERROR);
    CHECK(strstr(sum.detail, "too long") != NULL);
    CHECK_INT(whole.state, FT_SCORED);
    CHECK_NEAR(whole.value, (double)(LINES - 1) / LINES, 1e-15);
    CHECK(ft__seconds() - start < 20);
    free(row);
    free(text);
}

TEST(rouge, memory) {
    check_metric_memory(
        "{\"metric\": \"rouge\", \"params\": {\"use_stemmer\": true}, \"input\": "
        "{\"prediction\": \"walking home\\nlate\", \"reference\": \"late walks\"}}");
}
