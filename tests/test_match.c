/* eval/match.c: the text comparisons beyond those of test_evaluator.c, SQuAD's scores, HELM's
   metrics, and the parts of eval/text.c under them. */
#include "../src/eval/eval.h"
#include "test.h"

static ft_score score_n(const char *name, const char *params, const char *row_json,
                        const char *output, size_t n) {
    ft_error err = {FT_OK, "", ""};
    ft_score s;
    ft_evaluator *e = ft_evaluator_create(name, params, NULL, &err);
    ft_row *row = ft_row_parse(row_json, strlen(row_json), NULL, &err);
    memset(&s, 0, sizeof s);
    if (!e || !row) test_note("%s: %s", name, err.message);
    if (CHECK(e && row)) CHECK_OK(ft_evaluate(e, row, output, n, &s, &err), err);
    ft_row_free(row);
    ft_evaluator_free(e);
    return s;
}

static ft_score score_of(const char *name, const char *params, const char *row,
                         const char *output) {
    return score_n(name, params, row, output, strlen(output));
}

typedef struct match_row {
    const char *name, *params, *row, *output;
    double value;
} match_row;

static void check_rows(const match_row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        ft_score s = score_of(rows[i].name, rows[i].params, rows[i].row, rows[i].output);
        bool ok = CHECK_INT(s.state, FT_SCORED);
        ok &= CHECK_NEAR(s.value, rows[i].value, 1e-12);
        if (!ok) test_note("%s %s \"%s\": %s", rows[i].name, rows[i].row, rows[i].output, s.detail);
    }
}

/* One line through ft_metric; the answer without its newline (static). */
static int take(void *user, const char *bytes, size_t n) {
    char *out = (char *)user;
    size_t keep = n < 500 ? n - 1 : 500;
    memcpy(out, bytes, keep);
    out[keep] = 0;
    return 0;
}

static const char *metric(const char *line) {
    static char out[512];
    ft_error err;
    CHECK_OK(ft_metric(line, strlen(line), NULL, take, out, &err), err);
    return out;
}

TEST(match, starts_and_ends) {
    static const match_row rows[] = {
        {"starts_with", NULL, "{\"expected\": \"Yes\"}", "Yes, of course", 1},
        {"starts_with", NULL, "{\"expected\": \"Yes\"}", " \n Yes", 1},
        {"starts_with", "{\"strip\": false}", "{\"expected\": \"Yes\"}", " Yes", 0},
        {"starts_with", "{\"strip\": false}", "{\"expected\": \" Yes\"}", " Yes", 1},
        {"starts_with", NULL, "{\"expected\": \"yes\"}", "Yes", 0},
        {"starts_with", "{\"ignore_case\": true}", "{\"expected\": \"\xC3\x89T\"}",
         "\xC3\xA9t\xC3\xA9", 1},
        {"starts_with", NULL, "{\"expected\": \"no\", \"references\": [\"nay\", \"x\"]}", "xy", 1},
        {"starts_with", "{\"text\": [\"a\", \"b\"]}", "{}", "b", 1},
        {"starts_with", NULL, "{\"expected\": \"longer than it\"}", "longer", 0},
        {"starts_with", NULL, "{\"expected\": 12}", "12 apples", 1},
        {"ends_with", NULL, "{\"expected\": \"end\"}", "the end", 1},
        {"ends_with", NULL, "{\"expected\": \"end\"}", "the end.\n", 0},
        {"ends_with", NULL, "{\"expected\": \"end\"}", "the end\n", 1},
        {"ends_with", "{\"strip\": false}", "{\"expected\": \"end\"}", "the end\n", 0},
        {"ends_with", "{\"text\": \"\\n\", \"strip\": false}", "{}", "the end\n", 1},
        {"ends_with", NULL, "{\"expected\": \"end\"}", "nd", 0},
        {"ends_with", NULL, "{\"expected\": \"end\"}", "", 0},
    };
    check_rows(rows, FT__COUNT(rows));
    CHECK_INT(score_of("starts_with", NULL, "{\"expected\": \" \"}", "x").state, FT_SCORE_ERROR);
    CHECK_INT(score_of("ends_with", NULL, "{\"expected\": \"\"}", "x").state, FT_SCORE_ERROR);
    CHECK_INT(score_of("starts_with", NULL, "{}", "x").state, FT_SCORE_ERROR);
    CHECK_TEXT(score_of("starts_with", NULL, "{\"expected\": \"A\"}", "B").detail,
               "does not begin with \"A\"");
    CHECK_TEXT(score_of("ends_with", NULL, "{\"expected\": \"A\"}", "B").detail,
               "does not end with \"A\"");
}

TEST(match, quasi_exact) {
    static const match_row rows[] = {
        {"quasi_exact_match", NULL, "{\"expected\": \"The Blue  Door\"}", "blue door!", 1},
        {"quasi_exact_match", NULL, "{\"expected\": \"blue door\"}", "the blue doors", 0},
        {"quasi_exact_match", NULL, "{\"references\": [\"x\", \"well-known\"]}", "Wellknown", 1},
        {"quasi_exact_match", NULL, "{\"expected\": \"the\"}", "a", 1},
        {"quasi_exact_match", NULL, "{\"expected\": \"\"}", "", 0}, /* HELM's rule */
        {"quasi_exact_match", NULL, "{\"expected\": \"\"}", "!", 1},
        {"quasi_exact_match", NULL, "{\"expected\": \"\xC3\x84pfel\"}", "\xC3\xA4pfel.", 1},
    };
    check_rows(rows, FT__COUNT(rows));
    CHECK_TEXT(score_of("quasi_exact_match", NULL, "{\"expected\": \"A\", \"references\": [\"B\"]}",
                        "C").detail, "expected \"A\" or 1 more");
}

TEST(match, squad_em) {
    static const match_row rows[] = {
        {"squad_em", NULL, "{\"expected\": \"an Old Bridge\"}", "old bridge", 1},
        {"squad_em", NULL, "{\"expected\": \"old bridge\"}", "very old bridge", 0},
        {"squad_em", NULL, "{\"expected\": \"\"}", "", 1},      /* no answer is right */
        {"squad_em", NULL, "{\"expected\": \"\"}", "the", 1},   /* empty in normal form */
        {"squad_em", NULL, "{\"expected\": \"\"}", "river", 0},
        {"squad_em", NULL, "{\"expected\": \"the\", \"references\": [\"river\"]}", "", 0},
        {"squad_em", NULL, "{\"expected\": \"the\", \"references\": [\"river\"]}", "River", 1},
    };
    check_rows(rows, FT__COUNT(rows));
}

TEST(match, token_f1) {
    static const match_row rows[] = {
        {"token_f1", NULL, "{\"expected\": \"one two two\"}", "two two two", 4.0 / 6},
        {"token_f1", NULL, "{\"expected\": \"one\", \"references\": [\"one two\"]}", "two one", 1},
        {"token_f1", NULL, "{\"expected\": \"\xD0\x9C\xD0\xBE\xD1\x81\xD0\xBA\xD0\xB2\xD0\xB0\"}",
         "\xD0\xBC\xD0\xBE\xD1\x81\xD0\xBA\xD0\xB2\xD0\xB0", 1},
        {"token_f1", NULL, "{\"expected\": \"word\"}", "\xFF word", 2.0 / 3},
    };
    check_rows(rows, FT__COUNT(rows));
}

/* Many distinct words, so that the table of words grows. */
TEST(match, token_f1_of_a_long_text) {
    ft__buf text, row;
    ft__buf_init(&text, NULL);
    ft__buf_init(&row, NULL);
    ft__buf_text(&row, "{\"expected\": \"");
    for (int i = 0; i < 20000; i++) {
        ft__buf_printf(&text, "w%d ", i * 2);
        ft__buf_printf(&row, "w%d ", i * 3);
    }
    ft__buf_text(&row, "\"}");
    /* multiples of 6 below 40000: 6667 shared of 20000 each */
    ft_score s = score_n("token_f1", NULL, row.data, text.data, text.len);
    CHECK_NEAR(s.value, 6667.0 / 20000, 1e-12);
    ft__buf_free(&text);
    ft__buf_free(&row);
}

static void check_normal(const char *text, const char *expected) {
    ft__buf out;
    ft__view v = {text, strlen(text)};
    ft__buf_init(&out, NULL);
    ft__buf_text(&out, "before");
    ft__squad_normalize(v, &out);
    if (!CHECK(strcmp(out.data, "before") >= 0 && strcmp(out.data + 6, expected) == 0))
        test_note("\"%s\" became \"%s\"", text, out.data + 6);
    ft__buf_free(&out);
}

TEST(match, squad_normal_form) {
    check_normal("", "");
    check_normal(" The  END. ", "end");
    check_normal("A.M. and the a-team", "am and ateam");
    check_normal("the the a", "");
    check_normal("an_an", "anan");
    check_normal("a\xCC\x81", "\xCC\x81");              /* a mark ends the article's run */
    check_normal("the\x01" "a", "\x01");
    check_normal("x\x01the", "x\x01");
    check_normal("\xC3\xA0 la", "\xC3\xA0 la");          /* not an article */
    check_normal("a\xC2\xA0" "b\xE3\x80\x80" "c", "b c"); /* white space beyond ASCII */
    check_normal("\xCE\xA3\xCE\x91\xCE\xA3", "\xCF\x83\xCE\xB1\xCF\x82"); /* the final sigma */
    check_normal("\xC4\xB0s", "i\xCC\x87s");             /* a capital I with its dot */
    check_normal("\xC8\xBA\xC8\xBA", "\xE2\xB1\xA5\xE2\xB1\xA5"); /* grows in lower case */
    check_normal("\xFFThe \x80 a", "\xFF \x80");
    check_normal("\xE2\x80\x9Cthe\xE2\x80\x9D", "\xE2\x80\x9C \xE2\x80\x9D");
}

static void check_fold(const char *text, const char *expected) {
    ft__buf out;
    ft__buf_init(&out, NULL);
    ft__casefold(text, strlen(text), &out);
    CHECK_TEXT(out.len ? out.data : "", expected);
    ft__buf_free(&out);
}

TEST(match, casefold) {
    check_fold("", "");
    check_fold("ABC xyz [@]", "abc xyz [@]");
    check_fold("Stra\xC3\x9F" "e", "strasse");
    check_fold("\xCE\xA3\xCF\x82\xCF\x83", "\xCF\x83\xCF\x83\xCF\x83");
    check_fold("\xEF\xAC\x83", "ffi");
    check_fold("\xE1\xBA\x9E\xC5\xBF", "sss");
    check_fold("\xC4\xB0\xC4\xB1", "i\xCC\x87\xC4\xB1");
    check_fold("\xE1\xBE\x8F", "\xE1\xBC\x87\xCE\xB9");  /* the last of a row of eight */
    check_fold("\xEA\xAE\xBF\xE1\x8E\xA0", "\xE1\x8F\xAF\xE1\x8E\xA0"); /* Cherokee: to capitals */
    check_fold("\xD0\x9F\xE4\xBA\xBA", "\xD0\xBF\xE4\xBA\xBA");
    check_fold("A\xFF\xC3", "a\xFF\xC3");
}

TEST(match, helm_metrics) {
#define HELM(name, params, prediction, reference, expected)                                    \
    CHECK_TEXT(metric("{\"metric\": \"" name "\", \"params\": " params                         \
                      ", \"input\": {\"prediction\": \"" prediction "\", \"reference\": \""     \
                      reference "\"}}"), "{\"value\":" expected "}")
    HELM("helm_exact_match", "{}", " x ", "x", "1");
    HELM("helm_exact_match", "{}", "", "", "0");
    HELM("helm_exact_match", "{}", " ", "", "1"); /* only the empty text is nothing */
    HELM("helm_quasi_exact_match", "{}", "The x!", "x", "1");
    HELM("helm_quasi_leave_articles_exact_match", "{}", "The x!", "x", "0");
    HELM("helm_quasi_leave_articles_exact_match", "{}", "The  x!", "the x", "1");
    HELM("helm_prefix_exact_match", "{}", " xy", "x ", "1");
    HELM("helm_prefix_exact_match", "{}", "x", "xy", "0");
    HELM("helm_quasi_prefix_exact_match", "{}", "The Xylophone", "xylo", "1");
    HELM("helm_f1_score", "{}", "a b b c", "b d", "0.5"); /* sets: b, c and b, d */
    HELM("helm_f1_score", "{}", "the", "a", "0");
    HELM("helm_exact_match_indicator", "{\"indicator\": \"#\"}", "1 # 2 # 3 ", "4 #3", "1");
    HELM("helm_exact_match_indicator", "{\"indicator\": \"#\"}", "3", "3", "1");
    HELM("helm_exact_match_indicator", "{\"indicator\": \"#\"}", "x #", "x #", "0");
    HELM("helm_final_number_exact_match", "{}", "5 then 1,200", "it is 1200", "1");
    HELM("helm_final_number_exact_match", "{}", "-3.50", "-3.50 $", "1");
    HELM("helm_final_number_exact_match", "{}", "7/8", "7/8 of it", "1"); /* . is any character */
    HELM("helm_final_number_exact_match", "{}", "7 /8", "8", "1");
    HELM("helm_final_number_exact_match", "{}", "none", "none", "0");
#undef HELM
    CHECK(strstr(metric("{\"metric\": \"helm_exact_match_indicator\", \"params\": {}, \"input\": "
                        "{\"prediction\": \"\", \"reference\": \"\"}}"), "error") != NULL);
}

TEST(match, squad_metrics) {
    CHECK_TEXT(metric("{\"metric\": \"squad_normalize\", \"input\": {\"text\": \"The B-c d.\"}}"),
               "{\"value\":{\"normalized\":\"bc d\",\"tokens\":[\"bc\",\"d\"]}}");
    CHECK_TEXT(metric("{\"metric\": \"squad_em_f1\", \"input\": {\"prediction\": \"x y\", "
                      "\"references\": [\"x\", \"X Y z w\"]}}"),
               "{\"value\":{\"exact\":0,\"f1\":0.6666666666666666}}");
    CHECK_TEXT(metric("{\"metric\": \"squad_em_f1\", \"input\": {\"prediction\": \"\", "
                      "\"references\": []}}"), "{\"value\":{\"exact\":1,\"f1\":1}}");
    CHECK_TEXT(metric("{\"metric\": \"squad_corpus\", \"input\": {\"predictions\": [\"x\", \"y\"], "
                      "\"references\": [[\"x\"], [\"z\"]]}}"),
               "{\"value\":{\"exact\":50,\"f1\":50,\"total\":2}}");
    CHECK(strstr(metric("{\"metric\": \"squad_corpus\", \"input\": {\"predictions\": [\"x\"], "
                        "\"references\": []}}"), "error") != NULL);
    CHECK(strstr(metric("{\"metric\": \"squad_em_f1\", \"input\": {\"prediction\": \"\", "
                        "\"references\": [1]}}"), "error") != NULL);
}

TEST(match, pass_at_k) {
    CHECK_TEXT(metric("{\"metric\": \"pass_at_k\", \"params\": {\"k\": 2}, "
                      "\"input\": {\"n\": 4, \"c\": 2}}"), "{\"value\":0.8333333333333333}");
    CHECK_TEXT(metric("{\"metric\": \"pass_at_k\", \"params\": {\"k\": 3}, "
                      "\"input\": {\"n\": 4, \"c\": 2}}"), "{\"value\":1}");
    CHECK_TEXT(metric("{\"metric\": \"pass_at_k\", \"params\": {\"k\": 3}, "
                      "\"input\": {\"n\": 4, \"c\": 0}}"), "{\"value\":0}");
    CHECK(strstr(metric("{\"metric\": \"pass_at_k\", \"input\": {\"n\": 4, \"c\": 5}}"), "error"));
}

TEST(match, interner_finds_what_it_has) {
    ft__interner words;
    ft_allocator a = ft__allocator(NULL);
    uint32_t id = 7;
    ft__view one = {"one", 3}, two = {"two", 3}, none = {"", 0};
    ft__interner_init(&words, &a);
    CHECK(!ft__interner_find(&words, one, &id));
    ft__interner_id(&words, two);
    ft__interner_id(&words, none);
    CHECK(!ft__interner_find(&words, one, &id));
    CHECK(ft__interner_find(&words, none, &id) && id == 1);
    CHECK(ft__interner_find(&words, two, &id) && id == 0);
    ft__interner_free(&words);
}
