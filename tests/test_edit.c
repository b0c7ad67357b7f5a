/* The bit-parallel distances against plain tables, the metrics against their definitions done the
   slow way, and the evaluators' edges. */
#include "../src/eval/eval.h"
#include "test.h"

/* ---- the slow way */

enum { MOST = 1400 };

static uint32_t pick(uint64_t *state, uint32_t below) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 40) % below;
}

/* Insertions and deletions cost 1, replacements `replace`. */
static size_t plain_distance(const uint32_t *a, size_t n, const uint32_t *b, size_t m,
                             size_t replace) {
    static size_t row[MOST + 1];
    for (size_t j = 0; j <= m; j++) row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0]++;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] == b[j - 1] ? 0 : replace);
            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

/* Fills b with a changed copy of a, or with something else. */
static size_t vary(const uint32_t *a, size_t n, uint32_t *b, uint32_t symbols, uint64_t *state) {
    uint32_t edits = pick(state, 3) ? 2 + pick(state, 200) : 1;
    size_t m = 0;
    for (size_t i = 0; i < n && m + 2 < MOST; i++) {
        uint32_t kind = pick(state, edits);
        if (kind == 1) continue;
        if (kind == 0) b[m++] = pick(state, symbols);
        if (edits > 1 || pick(state, 2)) b[m++] = edits > 1 ? a[i] : pick(state, symbols);
    }
    return m;
}

TEST(edit, fast_distances_equal_the_table) {
    static uint32_t a[MOST], b[MOST];
    uint64_t state = 1;
    ft_allocator allocator = ft__allocator(NULL);
    for (int round = 0; round < 400; round++) {
        uint32_t symbols = 1 + pick(&state, 40);
        size_t n = pick(&state, round % 40 == 0 ? MOST : round % 4 ? 70 : 300), m, d, lcs;
        for (size_t i = 0; i < n; i++) a[i] = pick(&state, symbols) * 0x10001u;
        m = vary(a, n, b, symbols, &state);
        if (!CHECK(ft__edit_levenshtein(a, n, b, m, &allocator, &d))) return;
        if (!CHECK_INT(d, plain_distance(a, n, b, m, 1))) return;
        if (!CHECK(ft__edit_lcs(b, m, a, n, &allocator, &lcs))) return;
        if (!CHECK_INT(n + m - 2 * lcs, plain_distance(a, n, b, m, 2))) return;
    }
}

/* Lengths around the 64 rows of a word and the 256 of a stripe. */
TEST(edit, lengths_at_the_seams) {
    static uint32_t a[MOST], b[MOST];
    static const size_t lengths[] = {1, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 512, 513,
                                     1024, 1025, 1280};
    uint64_t state = 2;
    ft_allocator allocator = ft__allocator(NULL);
    for (size_t i = 0; i < MOST; i++) a[i] = pick(&state, 4), b[i] = pick(&state, 4);
    for (size_t i = 0; i < FT__COUNT(lengths); i++) {
        size_t n = lengths[i], m = lengths[(i * 7 + 3) % FT__COUNT(lengths)], d, lcs;
        CHECK(ft__edit_levenshtein(a, n, b, m, &allocator, &d));
        CHECK_INT(d, plain_distance(a, n, b, m, 1));
        CHECK(ft__edit_lcs(a, n, b, m, &allocator, &lcs));
        CHECK_INT(n + m - 2 * lcs, plain_distance(a, n, b, m, 2));
    }
}

TEST(edit, what_fits) {
    CHECK(ft__edit_fits(0, SIZE_MAX));
    CHECK(ft__edit_fits((size_t)1 << 18, (size_t)1 << 19));
    CHECK(!ft__edit_fits(((size_t)1 << 18) + 1, (size_t)1 << 19));
    CHECK(!ft__edit_fits(SIZE_MAX, SIZE_MAX));
}

/* ---- metrics */

static int collect(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n);
    return 0;
}

/* The number at value.field, or value itself; -1 with no such number. */
static double metric(const char *name, const char *params, const char *x, const char *y,
                     const char *field) {
    static char line[8192];
    ft_allocator a = ft__allocator(NULL);
    ft__arena arena;
    ft__buf out;
    ft__json *answer = NULL;
    double number = -1;
    ft__arena_init(&arena, &a);
    ft__buf_init(&out, &a);
    snprintf(line, sizeof line,
             "{\"metric\":\"%s\",\"params\":%s,\"input\":{\"prediction\":\"%s\",\"reference\":\"%s\"}}",
             name, params, x, y);
    CHECK_INT(ft_metric(line, strlen(line), NULL, collect, &out, NULL), FT_OK);
    CHECK_INT(ft__json_parse(out.data, out.len, "", 1, &arena, &answer, NULL), FT_OK);
    const ft__json *value = ft__json_get(answer, "value");
    if (field) value = ft__json_get(value, field);
    if (value && value->type == FT__JSON_NUMBER) number = value->number;
    ft__buf_free(&out);
    ft__arena_free(&arena);
    return number;
}

/* R. Lowrance and R. Wagner's whole table; rows and columns from -1. */
static size_t plain_damerau(const char *a, const char *b) {
    static size_t d[64][64];
    size_t n = strlen(a), m = strlen(b), far = n + m, last_row[256] = {0};
    d[0][0] = far;
    for (size_t i = 0; i <= n; i++) d[i + 1][0] = far, d[i + 1][1] = i;
    for (size_t j = 0; j <= m; j++) d[0][j + 1] = far, d[1][j + 1] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t last_column = 0;
        for (size_t j = 1; j <= m; j++) {
            size_t k = last_row[(unsigned char)b[j - 1]], l = last_column, best, other;
            best = d[i][j] + (a[i - 1] != b[j - 1]);
            if (a[i - 1] == b[j - 1]) last_column = j;
            other = d[i + 1][j] + 1;
            if (other < best) best = other;
            other = d[i][j + 1] + 1;
            if (other < best) best = other;
            other = d[k][l] + (i - k - 1) + 1 + (j - l - 1);
            if (other < best) best = other;
            d[i + 1][j + 1] = best;
        }
        last_row[(unsigned char)a[i - 1]] = i;
    }
    return d[n + 1][m + 1];
}

static size_t plain_osa(const char *a, const char *b) {
    static size_t d[64][64];
    size_t n = strlen(a), m = strlen(b);
    for (size_t i = 0; i <= n; i++)
        for (size_t j = 0; j <= m; j++) {
            size_t best = i + j;
            if (i && d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
            if (j && d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
            if (i && j && d[i - 1][j - 1] + (a[i - 1] != b[j - 1]) < best)
                best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[n][m];
}

static double plain_jaro(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b), longer = n > m ? n : m, c = 0, k = 0, t = 0;
    size_t reach = longer / 2 ? longer / 2 - 1 : 0;
    bool in_a[64] = {false}, in_b[64] = {false};
    if (n == 0 || m == 0) return n == m;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i > reach ? i - reach : 0; j < m && j <= i + reach && !in_a[i]; j++)
            if (!in_b[j] && a[i] == b[j]) in_a[i] = in_b[j] = true, c++;
    if (c == 0) return 0;
    for (size_t i = 0; i < n; i++) {
        if (!in_a[i]) continue;
        while (!in_b[k]) k++;
        t += a[i] != b[k++];
    }
    double d = (double)c;
    return (d / (double)n + d / (double)m + (d - (double)(t / 2)) / d) / 3;
}

static double plain_ratio(const char *a, size_t n, const char *b, size_t m) {
    uint32_t x[64], y[64];
    for (size_t i = 0; i < n; i++) x[i] = (uint32_t)a[i];
    for (size_t j = 0; j < m; j++) y[j] = (uint32_t)b[j];
    return n + m ? 100 - 100 * (double)plain_distance(x, n, y, m, 2) / (double)(n + m) : 100;
}

static double plain_partial(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b);
    double best = 0;
    if (n > m) return plain_partial(b, a);
    if (n == 0) return m == 0 ? 100 : 0;
    for (size_t begin = 0; begin < m; begin++)
        for (size_t end = begin + 1; end <= m && end - begin <= n; end++) {
            if (end - begin < n && begin > 0 && end < m) continue;
            double ratio = plain_ratio(a, n, b + begin, end - begin);
            if (ratio > best) best = ratio;
            ratio = n == m ? plain_ratio(b, n, a + begin, end - begin) : 0;
            if (ratio > best) best = ratio;
        }
    return best;
}

TEST(edit, metrics_equal_their_definitions) {
    uint64_t state = 3;
    for (int round = 0; round < 300; round++) {
        char a[64] = "", b[64] = "";
        uint32_t symbols = 1 + pick(&state, 6);
        size_t n = pick(&state, 20), m = pick(&state, round % 2 ? 20 : 50);
        for (size_t i = 0; i < n; i++) a[i] = (char)('a' + pick(&state, symbols));
        for (size_t j = 0; j < m; j++) b[j] = (char)('a' + pick(&state, symbols));
        bool same = CHECK_INT(metric("damerau_levenshtein", "{}", a, b, "distance"),
                              plain_damerau(a, b)) &&
                    CHECK_INT(metric("osa", "{}", a, b, "distance"), plain_osa(a, b)) &&
                    CHECK_NEAR(metric("jaro", "{}", a, b, NULL), plain_jaro(a, b), 1e-12) &&
                    CHECK_NEAR(metric("fuzz", "{}", a, b, "partial_ratio"), plain_partial(a, b),
                               1e-9) &&
                    CHECK_NEAR(metric("fuzz", "{}", b, a, "ratio"), plain_ratio(a, n, b, m), 1e-9);
        if (!same) test_note("\"%s\" \"%s\"", a, b);
        if (!same) return;
    }
}

/* More than one stripe, and jumps over windows. */
TEST(edit, partial_ratio_of_a_long_part) {
    static char part[400], whole[2000], shifted[2000];
    uint64_t state = 4;
    for (int i = 0; i < 1800; i++) whole[i] = (char)('a' + pick(&state, 20));
    memcpy(part, whole + 1000, 350);
    CHECK_NEAR(metric("fuzz", "{}", part, whole, "partial_ratio"), 100, 0);
    part[7] = part[170] = part[349] = '!';
    CHECK_NEAR(metric("fuzz", "{}", part, whole, "partial_ratio"), 100 - 100 * 6.0 / 700, 1e-9);
    CHECK_NEAR(metric("fuzz", "{}", whole, part, "partial_ratio"), 100 - 100 * 6.0 / 700, 1e-9);
    memcpy(shifted, whole + 1100, 600); /* only a part of the beginning is there */
    memset(shifted + 600, '?', 900);
    CHECK_NEAR(metric("fuzz", "{}", part, shifted, "partial_ratio"),
               100 - 100 * (350.0 + 250 - 2 * 248) / 600, 3);
}

TEST(edit, weights) {
    /* insert, delete, replace: "ab" -> "c" */
    CHECK_INT(metric("levenshtein", "{\"weights\": [1, 1, 1]}", "ab", "c", "distance"), 2);
    CHECK_INT(metric("levenshtein", "{\"weights\": [1, 1, 5]}", "ab", "c", "distance"), 3);
    CHECK_INT(metric("levenshtein", "{\"weights\": [7, 2, 3]}", "ab", "c", "distance"), 5);
    CHECK_INT(metric("levenshtein", "{\"weights\": [7, 2, 3]}", "c", "ab", "distance"), 10);
    CHECK_INT(metric("levenshtein", "{\"weights\": [3, 3, 3]}", "ab", "cb", "distance"), 3);
    CHECK_INT(metric("levenshtein", "{\"weights\": [0, 0, 0]}", "ab", "c", "distance"), 0);
    CHECK_INT(metric("levenshtein", "{\"weights\": [0, 0, 0]}", "ab", "c", "normalized_distance"),
        0);
    CHECK_INT(metric("levenshtein", "{\"weights\": [7, 2, 3]}", "abc", "x", "similarity"), 0);
    CHECK_INT(metric("levenshtein", "{\"weights\": [1, 2]}", "ab", "c", "distance"), -1);
    CHECK_INT(metric("levenshtein", "{\"weights\": [1, 2, -1]}", "ab", "c", "distance"), -1);
    CHECK_INT(metric("levenshtein", "{\"weights\": [1, 2, 0.5]}", "ab", "c", "distance"), -1);
    CHECK_INT(metric("levenshtein", "{\"weights\": [1, 1, 1, 1]}", "ab", "c", "distance"), -1);
    CHECK_INT(metric("levenshtein", "{\"weights\": null}", "ab", "c", "distance"), 2);
}

TEST(edit, edges_of_metrics) {
    CHECK_INT(metric("hamming", "{\"pad\": false}", "abc", "abd", "distance"), 1);
    CHECK_INT(metric("hamming", "{\"pad\": false}", "abc", "ab", "distance"), -1);
    CHECK_INT(metric("hamming", "{}", "abc", "ab", "distance"), 1);
    CHECK_NEAR(metric("jaro", "{}", "", "", NULL), 1, 0);
    CHECK_NEAR(metric("jaro", "{}", "a", "a", NULL), 1, 0);
    CHECK_NEAR(metric("jaro_winkler", "{}", "martha", "marhta", NULL), 0.961111111111, 1e-9);
    CHECK_NEAR(metric("jaro_winkler", "{\"prefix_weight\": 0}", "martha", "marhta", NULL),
               0.944444444444, 1e-9);
    CHECK_INT(metric("jaro_winkler", "{\"prefix_weight\": 0.3}", "a", "b", NULL), -1);
    CHECK_INT(metric("common_prefix", "{}", "aa", "aaa", "prefix"), 2);
    CHECK_INT(metric("common_prefix", "{}", "aa", "aaa", "postfix"), 2);
    CHECK_NEAR(metric("fuzz", "{}", "", "", "token_set_ratio"), 0, 0);
    CHECK_NEAR(metric("fuzz", "{}", "a b b", "b a c", "token_set_ratio"), 100, 0);
    CHECK_NEAR(metric("fuzz", "{}", "a a", "a", "token_sort_ratio"), 50, 1e-9);
    CHECK_INT(metric("wer", "{}", "", " ", "wer"), 0);
    CHECK_INT(metric("wer", "{}", "a b", " ", "wer"), 1);
    CHECK_INT(metric("cer", "{}", "", " ", "edits"), 1);
    CHECK_INT(metric("cer", "{}", "\xCE\xB1\xF0\x9F\x98\x80", "\xCE\xB1", "edits"), 1);
}

/* ---- evaluators */

static ft_score score(const char *name, const char *params, const char *row_json,
                      const char *output) {
    ft_error err = {FT_OK, "", ""};
    ft_score s;
    ft_evaluator *e = ft_evaluator_create(name, params, NULL, &err);
    ft_row *row = ft_row_parse(row_json, strlen(row_json), NULL, &err);
    memset(&s, 0, sizeof s);
    if (CHECK(e && row)) CHECK_OK(ft_evaluate(e, row, output, strlen(output), &s, &err), err);
    ft_row_free(row);
    ft_evaluator_free(e);
    return s;
}

TEST(edit, evaluators) {
    static const char two[] = "{\"expected\": \"kitten\", \"references\": [\"Sitting\", \"sitten\"]}";
    ft_score s = score("edit_distance", NULL, two, "sitting");
    CHECK_NEAR(s.value, 1, 0);
    CHECK_TEXT(s.detail, "1 edits; expected 7 characters");
    CHECK(!s.pass && score("edit_distance", "{\"threshold\": 1}", two, "sitting").pass);
    CHECK_NEAR(score("edit_distance", "{\"ignore_case\": true}", two, "SITTING").value, 0, 0);
    CHECK_NEAR(score("levenshtein", NULL, "{\"expected\": \"kitten\"}", "sitting").value, 4.0 / 7,
               1e-12);
    CHECK_NEAR(score("lcs", NULL, "{\"expected\": \"kitten\"}", "sitting").value, 4.0 / 7, 1e-12);
    CHECK_NEAR(score("wer", NULL, "{\"expected\": \"a b c\"}", "a x c d").value, 2.0 / 3, 1e-12);
    CHECK_NEAR(score("wer", NULL, "{\"expected\": \"a\"}", "b c d e").value, 4, 0);
    CHECK_NEAR(score("cer", NULL, "{\"expected\": \"abcd\"}", "abd").value, 0.25, 0);
    CHECK_NEAR(score("levenshtein", NULL, "{\"expected\": 12}", "12").value, 1, 0);
}

TEST(edit, empty_texts) {
    static const char *const names[] = {"levenshtein", "lcs", "jaro_winkler"};
    for (size_t i = 0; i < FT__COUNT(names); i++) {
        CHECK_NEAR(score(names[i], NULL, "{\"expected\": \"\"}", "").value, 1, 0);
        CHECK_NEAR(score(names[i], NULL, "{\"expected\": \"\"}", "a").value, 0, 0);
        CHECK_NEAR(score(names[i], NULL, "{\"expected\": \"a\"}", "").value, 0, 0);
    }
    CHECK_NEAR(score("wer", NULL, "{\"expected\": \" \"}", "").value, 0, 0);
    CHECK_NEAR(score("wer", NULL, "{\"expected\": \"\"}", "a b").value, 1, 0);
    CHECK_NEAR(score("fuzz_ratio", NULL, "{\"expected\": \"\"}", "").value, 100, 0);
    CHECK_NEAR(score("fuzz_ratio", "{\"mode\": \"token_set\"}", "{\"expected\": \"\"}", "").value,
               100, 0);
}

TEST(edit, fuzz_modes) {
    static const char row[] = "{\"expected\": \"new york mets\"}";
    CHECK_NEAR(score("fuzz_ratio", "{\"mode\": \"token_sort\"}", row, "mets york new").value, 100,
               0);
    CHECK(!score("fuzz_ratio", NULL, row, "mets york new").pass);
    CHECK_NEAR(score("fuzz_ratio", "{\"mode\": \"partial\"}", row, "the new york mets won").value,
               100, 0);
    CHECK_NEAR(score("fuzz_ratio", "{\"mode\": \"token_set\"}", row, "mets of new york").value, 100,
               0);
}

/* Different invalid bytes are different characters. */
TEST(edit, invalid_utf8) {
    ft_score s = score("edit_distance", NULL, "{\"expected\": \"a\"}", "\xFF\xFE");
    CHECK_NEAR(s.value, 2, 0);
    static const uint32_t a[] = {0x800000FFu}, b[] = {0x800000FEu};
    ft_allocator allocator = ft__allocator(NULL);
    size_t d;
    CHECK(ft__edit_levenshtein(a, 1, b, 1, &allocator, &d));
    CHECK_INT(d, 1);
}

/* What cannot be done in time is an error and not a score. */
TEST(edit, too_long) {
    enum { N = 400000 };
    char *row_json = (char *)malloc(N + 64), *output = (char *)malloc(N + 1);
    strcpy(row_json, "{\"expected\": \"");
    memset(row_json + 14, 'a', N);
    strcpy(row_json + 14 + N, "\"}");
    memset(output, 'b', N);
    output[N] = 0;
    ft_score s = score("levenshtein", NULL, row_json, output);
    CHECK_INT(s.state, FT_SCORE_ERROR);
    CHECK(strstr(s.detail, "too long") != NULL);
    CHECK_INT(score("jaro_winkler", NULL, row_json, output).state, FT_SCORED);
    CHECK_NEAR(score("wer", NULL, row_json, output).value, 1, 0);
    free(row_json);
    free(output);
}
