#include "../src/eval/eval.h"
#include "test.h"

static ft_score score_bytes(const char *name, const char *params, const char *output, size_t n) {
    ft_error err = {FT_OK, "", ""};
    ft_score s;
    ft_evaluator *e = ft_evaluator_create(name, params, NULL, &err);
    ft_row *row = ft_row_parse("{}", 2, NULL, NULL);
    memset(&s, 0, sizeof s);
    if (!e) test_note("%s", err.message);
    if (CHECK(e && row)) CHECK_OK(ft_evaluate(e, row, output, n, &s, &err), err);
    ft_row_free(row);
    ft_evaluator_free(e);
    return s;
}

static ft_score score(const char *name, const char *params, const char *output) {
    return score_bytes(name, params, output, strlen(output));
}

static void check_refused(const char *name, const char *params, const char *needle) {
    ft_error err = {FT_OK, "", ""};
    ft_evaluator *e = ft_evaluator_create(name, params, NULL, &err);
    CHECK(e == NULL);
    CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, needle);
    ft_evaluator_free(e);
}

TEST(style, repetition) {
    /* 7 words: 6 bigrams, of which "a b" and "b a" come back: 4 distinct */
    ft_score s = score("repetition", "{\"n\": 2}", "a b a b a c d");
    CHECK_NEAR(s.value, 2.0 / 6, 1e-12);
    CHECK_TEXT(s.detail, "2 times \"a b\"");
    CHECK(s.n_spans == 1 && s.spans[0].begin == 0 && s.spans[0].end == 3);
    CHECK_NEAR(score("repetition", NULL, "x x x x x x x x x x").value, 6.0 / 7, 1e-12);
    CHECK_NEAR(score("repetition", NULL, "one two three").value, 0, 0);
    CHECK_NEAR(score("repetition", NULL, "one two three four").value, 0, 0);
    CHECK_NEAR(score("repetition", NULL, "").value, 0, 0);
    CHECK_NEAR(score("repetition", "{\"n\": 1}", "The the\tTHE\nthe").value, 0.25, 0);
    CHECK_NEAR(score("repetition", "{\"n\": 1}", "\xFF \xFE \xFF").value, 1.0 / 3, 1e-12);
    check_refused("repetition", "{\"n\": 0}", "\"n\"");
    check_refused("repetition", "{\"n\": 1.5}", "\"n\"");
}

TEST(style, distinct_n) {
    CHECK_NEAR(score("distinct_n", "{\"n\": 1}", "a b a b").value, 0.5, 0);
    CHECK_NEAR(score("distinct_n", NULL, "a b a b").value, 0.5, 0); /* "a b", "b a" of 4 words */
    CHECK_NEAR(score("distinct_n", NULL, "a b c d").value, 0.75, 0);
    CHECK_NEAR(score("distinct_n", NULL, "a").value, 0, 0);
    CHECK_NEAR(score("distinct_n", "{\"n\": 1}", " ").value, 0, 0);
}

/* Many words, few slots: the hash table is no list. */
TEST(style, many_ngrams) {
    ft_allocator a = ft__allocator(NULL);
    ft__buf text;
    ft__buf_init(&text, &a);
    for (int i = 0; i < 50000; i++) ft__buf_printf(&text, "w%d ", i % 25000);
    double start = ft__seconds();
    CHECK_NEAR(score("repetition", NULL, text.data).value, 1 - 25000.0 / 49997, 1e-12);
    CHECK(ft__seconds() - start < 2);
    ft__buf_free(&text);
}

/* Does this one check hold? */
static bool holds(const char *params, const char *output) {
    return score("format", params, output).pass;
}

TEST(style, format_counts) {
    CHECK(holds("{\"max_lines\": 0}", "") && !holds("{\"min_lines\": 1}", ""));
    CHECK(holds("{\"max_lines\": 1}", "one\n") && !holds("{\"max_lines\": 1}", "one\ntwo"));
    CHECK(holds("{\"min_lines\": 3}", "\n\nx") && !holds("{\"min_lines\": 3}", "\n\n"));
    CHECK(holds("{\"max_line_chars\": 2}", "\xC3\xA9\xC3\xA9\r\nab"));
    CHECK(!holds("{\"max_line_chars\": 2}", "a\nabc"));
    CHECK(holds("{\"min_paragraphs\": 2, \"max_paragraphs\": 2}", "\na\nb\n \n\nc\n"));
    CHECK(holds("{\"min_bullets\": 5, \"max_bullets\": 5}",
                "- a\n  * b\n+ c\n1. d\n\xE2\x80\xA2 e\n-f\n1.5 g\n--- h\n"));
    CHECK(holds("{\"max_bullets\": 0}", "```\n- a\n```\n"));
    ft_score s = score("format", "{\"max_lines\": 1, \"min_bullets\": 1, \"ascii\": true}", "a\nb");
    CHECK_NEAR(s.value, 1.0 / 3, 1e-12);
    CHECK_TEXT(s.detail, "max_lines: 2, min_bullets: 0");
}

TEST(style, format_markdown) {
    static const char *const yes[] = {"# a", "x\n###### b", "a **b** c", "`x`", "see [a](b)",
                                      "```\nx\n```", "~~~", "**a b** ", "a ** b **c**"};
    static const char *const no[] = {"", "#a", "####### a", "2 ** 3 ** 4", "a ` b", "[a] (b)", "](",
                                     "a * b", "- a", "****", "it's #1"};
    for (size_t i = 0; i < FT__COUNT(yes); i++)
        if (!CHECK(holds("{\"markdown\": true}", yes[i]))) test_note("%s", yes[i]);
    for (size_t i = 0; i < FT__COUNT(no); i++)
        if (!CHECK(holds("{\"markdown\": false}", no[i]))) test_note("%s", no[i]);
    CHECK(holds("{\"code_fence\": true}", "x\n```c\ny\n```"));
    CHECK(holds("{\"code_fence\": false}", "a `b`"));
    CHECK(!holds("{\"code_fence\": true}", "```c\ny")); /* never closed: neither */
    CHECK(!holds("{\"code_fence\": false}", "```c\ny"));
}

TEST(style, format_flags) {
    CHECK(holds("{\"upper\": true}", "ABC 1!") && !holds("{\"upper\": true}", "ABc"));
    CHECK(!holds("{\"upper\": true}", "12") && !holds("{\"upper\": true}",
          "\xC7\x85")); /* titlecase */
    CHECK(holds("{\"lower\": true}", "\xCE\xB1 b") && !holds("{\"lower\": true}", "\xCE\x91 b"));
    CHECK(holds("{\"starts_upper\": true}", "\"\xC3\x89t\xC3\xA9\"") &&
          !holds("{\"starts_upper\": true}", "3 apples"));
    CHECK(holds("{\"starts_upper\": false}", "") && holds("{\"starts_upper\": false}",
          "\xE6\x97\xA5"));
    CHECK(holds("{\"ends_sentence\": true}", "(He said \"go.\") \n"));
    CHECK(holds("{\"ends_sentence\": true}", "\xE6\x97\xA5\xE3\x80\x82"));
    CHECK(!holds("{\"ends_sentence\": true}", "a. b") && !holds("{\"ends_sentence\": true}", ""));
    CHECK(holds("{\"ascii\": true}", "a~\n") && !holds("{\"ascii\": true}", "\xFF"));
    CHECK(holds("{\"stripped\": true}", "a b") && !holds("{\"stripped\": true}", "a\n"));
    CHECK(!holds("{\"stripped\": true}", "\xC2\xA0" "a"));
}

TEST(style, format_parameters) {
    check_refused("format", NULL, "needs a check");
    check_refused("format", "{\"ascii\": 1}", "\"ascii\"");
    check_refused("format", "{\"max_lines\": true}", "\"max_lines\"");
    check_refused("format", "{\"max_lines\": -1}", "\"max_lines\"");
    check_refused("format", "{\"max_line\": 1}", "did you mean \"max_lines\"?");
}

TEST(style, script) {
    ft_score s = score("script", "{\"script\": \"cyrillic\"}",
        "\xD0\xB4\xD0\xB0, ok \xD0\xBD\xD1\x96 5!");
    CHECK_NEAR(s.value, 4.0 / 6, 1e-12);
    CHECK_TEXT(s.detail, "4 of 6 letters");
    CHECK(s.n_spans == 1 && s.spans[0].begin == 6 && s.spans[0].end == 8);
    CHECK_NEAR(score("script", "{\"script\": \"han\"}", "\xE6\x97\xA5\xE6\x9C\xAC").value, 1, 0);
    CHECK_NEAR(score("script", "{\"script\": [\"han\", \"hiragana\", \"katakana\"]}",
                     "\xE6\x97\xA5\xE3\x81\xAE\xE3\x82\xA2\xE3\x83\xBC x").value, 0.8, 1e-12);
    CHECK_NEAR(score("script", "{\"script\": \"latin\"}",
               "\xC3\xA9\xC5\x82\xE1\xBA\xA1 \xC3\x97\xC3\xB7").value,
               1, 0); /* the signs for times and division are no letters */
    CHECK_NEAR(score("script", "{\"script\": \"devanagari\"}",
                     "\xE0\xA4\xB9\xE0\xA4\xBF\xE0\xA4\xA8\xE0\xA5\x8D\xE0\xA4\xA6\xE0\xA5\x80 \xE0\xA5\xA7").value,
               1, 0);
    CHECK_NEAR(score("script", "{\"script\": \"hangul\"}", "\xED\x95\x9C\xEA\xB8\x80").value, 1, 0);
    /* Coptic-like blocks belong to no script here */
    CHECK_NEAR(score("script", "{\"script\": \"greek\"}", "\xE2\xB2\x81").value, 0, 0);
}

TEST(style, script_without_letters) {
    ft_score s = score("script", "{\"script\": \"latin\"}", "42 \xF0\x9F\x98\x80 \xFF");
    CHECK(s.state == FT_SCORED && s.value == 0 && !s.pass);
    CHECK_TEXT(s.detail, "no letters");
}

TEST(style, script_parameters) {
    check_refused("script", NULL, "\"script\"");
    check_refused("script", "{\"script\": \"latni\"}", "\"script\"");
    check_refused("script", "{\"script\": []}", "\"script\"");
    check_refused("script", "{\"script\": [\"latin\", 1]}", "\"script\"");
}

/* Every name of a script has letters that are found. */
TEST(style, script_names) {
    static const struct {
        const char *name, *letter;
    } rows[] = {
        {"armenian", "\xD5\xA1"}, {"georgian", "\xE1\x83\x90"}, {"hebrew", "\xD7\x90"},
        {"arabic", "\xD8\xA7"}, {"ethiopic", "\xE1\x88\x80"}, {"bengali", "\xE0\xA6\x85"},
        {"gurmukhi", "\xE0\xA8\x85"}, {"gujarati", "\xE0\xAA\x85"}, {"odia", "\xE0\xAC\x85"},
        {"tamil", "\xE0\xAE\x85"}, {"telugu", "\xE0\xB0\x85"}, {"kannada", "\xE0\xB2\x85"},
        {"malayalam", "\xE0\xB4\x85"}, {"sinhala", "\xE0\xB6\x85"}, {"thai", "\xE0\xB8\x81"},
        {"lao", "\xE0\xBA\x81"}, {"tibetan", "\xE0\xBD\x80"}, {"burmese", "\xE1\x80\x80"},
        {"khmer", "\xE1\x9E\x80"}, {"mongolian", "\xE1\xA0\xA0"}, {"bopomofo", "\xE3\x84\x85"},
        {"katakana", "\xEF\xBD\xB1"}, {"han", "\xF0\xA0\x80\x80"}, {"latin", "\xEF\xBC\xA1"},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        char params[64];
        snprintf(params, sizeof params, "{\"script\": \"%s\"}", rows[i].name);
        if (!CHECK_NEAR(score("script", params, rows[i].letter).value, 1, 0))
            test_note("%s", rows[i].name);
    }
}

TEST(style, nul_bytes) {
    CHECK_NEAR(score_bytes("script", "{\"script\": \"latin\"}", "a\0b", 3).value, 1, 0);
    CHECK_NEAR(score_bytes("format", "{\"max_line_chars\": 2}", "a\0b", 3).value, 0, 0);
    CHECK_NEAR(score_bytes("repetition", "{\"n\": 1}", "a\0 a", 4).value, 0, 0);
}
