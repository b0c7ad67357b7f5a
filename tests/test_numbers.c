/* eval/numbers_read.c, numbers.c and inspect.c: what is a number, how it is written, which word of
   an output is it; inspect_ai's comparisons, and the letter after ANSWER:. */
#include "../src/eval/eval.h"
#include "test.h"

static ft_score score_of(const char *name, const char *params, const char *row_json,
                         const char *output) {
    ft_error err = {FT_OK, "", ""};
    ft_score s;
    ft_evaluator *e = ft_evaluator_create(name, params, NULL, &err);
    ft_row *row = ft_row_parse(row_json, strlen(row_json), NULL, &err);
    memset(&s, 0, sizeof s);
    if (!e || !row) test_note("%s: %s", name, err.message);
    if (CHECK(e && row)) CHECK_OK(ft_evaluate(e, row, output, strlen(output), &s, &err), err);
    ft_row_free(row);
    ft_evaluator_free(e);
    return s;
}

typedef struct number_row {
    const char *params, *row, *output;
    double value;
} number_row;

static void check_rows(const char *name, const number_row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        ft_score s = score_of(name, rows[i].params, rows[i].row, rows[i].output);
        bool ok = CHECK_INT(s.state, FT_SCORED);
        ok &= CHECK_NEAR(s.value, rows[i].value, 0);
        ok &= CHECK((s.detail[0] == 0) == (s.value == 1));
        if (!ok) test_note("%s %s \"%s\": %s", name, rows[i].row, rows[i].output, s.detail);
    }
}

static int take(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n - 1);
    return 0;
}

/* {"metric": name, "params": params, "input": {key: text}} */
static void check_metric(const char *name, const char *params, const char *key, const char *text,
                         const char *expected) {
    ft__buf line, out;
    ft__json_writer w;
    ft_error err;
    ft__buf_init(&line, NULL);
    ft__buf_init(&out, NULL);
    ft__buf_printf(&line, "{\"metric\": \"%s\", \"params\": %s, \"input\": ", name, params);
    ft__json_writer_init(&w, &line, 0);
    ft__json_begin(&w, '{');
    ft__json_key(&w, key);
    ft__json_text(&w, text);
    ft__json_end(&w, '}');
    ft__buf_byte(&line, '}');
    CHECK_OK(ft_metric(line.data, line.len, NULL, take, &out, &err), err);
    if (!CHECK_TEXT(out.data, expected)) test_note("of \"%s\"", text);
    ft__buf_free(&line);
    ft__buf_free(&out);
}

static void check_number(const char *text, const char *value, const char *written) {
    char expected[128];
    snprintf(expected, sizeof expected, "{\"value\":{\"value\":%s,\"normalized_5g\":\"%s\"}}",
             value, written);
    check_metric("parse_number", "{}", "text", text, expected);
}

static void check_no_number(const char *text) { check_number(text, "null", text); }

TEST(numbers, as_python_reads_them) {
    check_number("12", "12", "12");
    check_number(" +1_2.5e-1 ", "1.25", "1.25");
    check_number("5.", "5", "5");
    check_number(".5", "0.5", "0.5");
    check_number("-0", "-0", "-0");
    check_number("1e5", "100000", "1e+05");
    check_number("1e-400", "0", "0");
    check_number("\xD9\xA3\xD9\xA4", "34", "34");             /* Arabic */
    check_number("\xF0\x9D\x9F\x97", "9", "9");               /* a set of five rows of digits */
    static const char *const none[] = {"", " ", ".", "+", "e5", "1e", "1__0", "_1", "1_", "nan",
                                       "inf", "-Infinity", "1e400", "0x10", "1 a", "5-3", "--"};
    for (size_t i = 0; i < FT__COUNT(none); i++) check_no_number(none[i]);
}

TEST(numbers, of_other_kinds) {
    check_number("\xE2\x88\x92" "7", "-7", "-7");              /* the minus sign */
    check_number("- -7", "7", "7");
    check_number("\xC2\xBE", "0.75", "0.75");
    check_number("-1\xC2\xBD", "-1.5", "-1.5");
    check_number("\xE2\x85\xA7", "8", "8");                    /* Roman VIII */
    check_number("\xE2\x91\xB3", "20", "20");                  /* 20 in a circle */
    check_number("2\xC2\xB9\xE2\x81\xB0", "1024", "1024");
    check_number("-3\xC2\xB2", "9", "9");                      /* the sign goes first */
    check_number("10\xE2\x81\xBB\xC2\xB2", "0.01", "0.01");
    check_number("\xC2\xBD\xC2\xB2", "0.25", "0.25");
    check_number("1 234 567", "1234567", "1.2346e+06");
    check_number("1'000", "1000", "1000");
    check_number("2,5", "2.5", "2.5");
    check_number("1,000", "1", "1");                           /* the comma is a decimal mark */
    check_number("1,0000", "10000", "10000");
    check_number("1.234,5", "1234.5", "1234.5");
    check_number("1,234.5", "1234.5", "1234.5");
    check_number("3\xEF\xBC\x8E" "5", "3.5", "3.5");           /* a wide point */
    static const char *const none[] = {"1.2.3", "1,2,3", "1/2", "50%", "5km", "\xC2\xBD\xC2\xBD",
                                       "\xC2\xBD" "1", "0\xE2\x81\xBB\xC2\xB9",
                                       "9\xE2\x81\xB9\xE2\x81\xB9\xE2\x81\xB9",
                                       "\xE2\x82\xAC", "\xE2\x82\xAC" "5"};
    for (size_t i = 0; i < FT__COUNT(none); i++) check_no_number(none[i]);
}

TEST(numbers, chinese) {
    check_number("\xE5\x8D\x81", "10", "10");                                   /* ten */
    check_number("\xE4\xB8\x89\xE5\x8D\x81\xE5\x85\xAD", "36", "36");           /* three ten six */
    check_number("\xE4\xBA\x8C\xE3\x80\x87\xE4\xBA\x8C\xE5\x9B\x9B", "2024", "2024"); /* digits */
    check_number("\xE4\xB8\x80\xE5\x8D\x83\xE9\x9B\xB6\xE4\xBA\x94", "1005", "1005");
    check_number("\xE4\xB8\x89\xE4\xB8\x87\xE4\xBA\x8C\xE5\x8D\x83", "32000", "32000");
    check_number("3\xE4\xB8\x87", "30000", "30000");
    check_number("\xE5\xBB\xBF\xE4\xBA\x94", "25", "25");                       /* twenty five */
    check_number("\xE4\xB8\x80\xE7\x82\xB9\xE4\xBA\x94", "1.5", "1.5");         /* one point five */
    check_number("\xE8\xB4\x9F\xE4\xBA\x8C", "-2", "-2");                       /* minus two */
    check_no_number("\xE5\x8D\x81\xE4\xBA\xBA");                                /* ten people */
}

/* Rounded by the exact value of the double, ties to the even digit. */
TEST(numbers, five_digits) {
    check_number("123455", "123455", "1.2346e+05");
    check_number("123445", "123445", "1.2344e+05");
    check_number("7938450", "7938450", "7.9384e+06"); /* a tie, though a zero follows the five */
    check_number("7938450.5", "7938450.5", "7.9385e+06");
    check_number("1.00005", "1.00005", "1.0001");     /* the double is a bit above */
    check_number("1.10015", "1.10015", "1.1001");     /* and this one a bit below */
    check_number("99999.5", "99999.5", "1e+05");
    check_number("99999.4", "99999.4", "99999");
    check_number("0.00012345", "0.00012345", "0.00012345");
    check_number("0.00001", "1e-05", "1e-05");
    check_number("-0.5", "-0.5", "-0.5");
    check_number("1e308", "1e+308", "1e+308");
    check_number("4.9406564584124654e-324", "5e-324", "4.9407e-324");
    check_number("1.7976931348623157e308", "1.7976931348623157e+308", "1.7977e+308");
}

static void check_match(const char *params, const char *prediction, const char *reference,
                        bool matched, const char *answer) {
    ft__buf line, out;
    ft__json_writer w;
    ft_error err;
    char expected[256];
    snprintf(expected, sizeof expected, "{\"value\":{\"matched\":%s,\"answer\":\"%s\"}}",
             matched ? "true" : "false", answer);
    ft__buf_init(&line, NULL);
    ft__buf_init(&out, NULL);
    ft__buf_printf(&line, "{\"metric\": \"match\", \"params\": %s, \"input\": ", params);
    ft__json_writer_init(&w, &line, 0);
    ft__json_begin(&w, '{');
    ft__json_key(&w, "prediction");
    ft__json_text(&w, prediction);
    ft__json_key(&w, "reference");
    ft__json_text(&w, reference);
    ft__json_end(&w, '}');
    ft__buf_byte(&line, '}');
    CHECK_OK(ft_metric(line.data, line.len, NULL, take, &out, &err), err);
    CHECK_TEXT(out.data, expected);
    ft__buf_free(&line);
    ft__buf_free(&out);
}

TEST(numbers, match_metric) {
    static const char numeric[] = "{\"numeric\": true}";
    static const char any[] = "{\"numeric\": true, \"location\": \"any\"}";
    static const char exact[] = "{\"numeric\": true, \"location\": \"exact\"}";
    check_match(numeric, "It is $1,300.", "1300", true, "1300");
    check_match(numeric, "from 12 to 15 pages", "12", false, "15");
    check_match("{\"numeric\": true, \"location\": \"begin\"}", "from 12 to 15", "12", true, "12");
    check_match(any, "From 12 to 15", "12.0", true, "12");
    check_match(any, "From 12 to 15", "13", false, "From 12 to 15");
    check_match(numeric, "no idea", "13", false, "");
    check_match(exact, "1 300", "1300", true, "1300");
    check_match(exact, "About 1,300", "1300", false, "about 1300");
    check_match(numeric, "115", "15", false, "115"); /* numbers, not endings */
    check_match(numeric, "\\\\$20 \\\\_5", "5", false, ""); /* two backslashes: one is left */
    check_match(numeric, "15%", "15", false, "");
    check_match(numeric, "it is 15%", "15%", true, "it is 15%"); /* no number: as text */
    check_match("{}", "In BERLIN!", "berlin", true, "In BERLIN!");
    check_match("{\"ignore_case\": false}", "In BERLIN!", "berlin", false, "In BERLIN!");
    check_match("{\"location\": \"begin\"}", "(Berlin) it is", "berlin.", true, "(Berlin) it is");
    check_match("{\"location\": \"exact\"}", "berlin?", "Berlin", true, "berlin?");
    check_match("{\"ignore_punctuation\": false}", "berlin?", "berlin", false, "berlin?");
    check_match("{}", "anything", "...", true, "anything"); /* an empty target */
}

TEST(numbers, match) {
    static const number_row rows[] = {
        {NULL, "{\"expected\": \"Paris\"}", "It is PARIS.", 1},
        {NULL, "{\"expected\": \"Paris\"}", "Paris it is", 0},
        {NULL, "{\"expected\": \"Rome\", \"references\": [\"Paris\"]}", "paris", 1},
        {NULL, "{\"expected\": \"GROSS\"}", "gro\xC3\x9F", 1},
        {"{\"location\": \"any\"}", "{\"expected\": \"Paris\"}", "Not paris?", 1},
        {"{\"location\": \"exact\"}", "{\"expected\": \"...\"}", "", 1},
        {"{\"numeric\": true}", "{\"expected\": 0.1}", "0.100001", 1}, /* five digits */
        {"{\"numeric\": true}", "{\"expected\": 0.1}", "0.10001", 0},
        {NULL, "{\"expected\": 5}", "25", 1}, /* as texts */
    };
    check_rows("match", rows, FT__COUNT(rows));
    CHECK_INT(score_of("match", NULL, "{\"expected\": \"...\"}", "x").state, FT_SCORE_ERROR);
    CHECK_INT(score_of("match", NULL, "{\"expected\": \"x\", \"references\": [\"\"]}", "x").state,
              FT_SCORE_ERROR);
    CHECK_INT(score_of("match", NULL, "{}", "x").state, FT_SCORE_ERROR);
    CHECK_TEXT(score_of("match", "{\"numeric\": true}", "{\"expected\": 5}", "a 6!").detail,
               "expected \"5\", found \"\"");
}

TEST(numbers, numeric_match) {
    static const number_row rows[] = {
        {NULL, "{\"expected\": 1300}", "That makes $1,300.", 1},
        {NULL, "{\"expected\": \"1,300 pages\"}", "1300", 1},
        {NULL, "{\"expected\": 12}", "12 of 15", 0},
        {"{\"location\": \"begin\"}", "{\"expected\": 12}", "take 12 of 15", 1},
        {"{\"location\": \"any\"}", "{\"expected\": 12}", "all 12 of 15", 1},
        {"{\"location\": \"exact\"}", "{\"expected\": 12}", "12 of 15", 0},
        {"{\"location\": \"exact\"}", "{\"expected\": 1200}", " 1 200 ", 1},
        {NULL, "{\"expected\": 123456}", "123457", 0}, /* not only five digits */
        {"{\"tolerance_abs\": 1}", "{\"expected\": 123456}", "123457", 1},
        {"{\"tolerance_abs\": 0.5}", "{\"expected\": 10}", "10.5", 1},
        {"{\"tolerance_abs\": 0.5}", "{\"expected\": 10}", "10.51", 0},
        {"{\"tolerance_rel\": 0.01}", "{\"expected\": -200}", "-198", 1},
        {"{\"tolerance_rel\": 0.01}", "{\"expected\": -200}", "-197.9", 0},
        {NULL, "{\"expected\": \"60%\"}", "some 60%.", 1},
        {NULL, "{\"expected\": 60}", "some 60%.", 0}, /* a percentage */
        {NULL, "{\"expected\": \"60%\"}", "60", 0},
        {NULL, "{\"expected\": 1, \"references\": [2, \"3\"]}", "3", 1},
        {NULL, "{\"expected\": 5}", "five", 0},
        {NULL, "{\"expected\": 5}", "", 0},
        {NULL, "{\"expected\": 5}", "\xFF\xC2 5", 1},
        {NULL, "{\"expected\": 5}", "x\xE3\x80\x80" "5\xC2\xA0", 1}, /* other white space */
        {NULL, "{\"expected\": 0.3}", "0.30000000000000004", 0},
        {NULL, "{\"expected\": 2.5}", "2\xC2\xBD", 1},
    };
    check_rows("numeric_match", rows, FT__COUNT(rows));
    ft_score s = score_of("numeric_match", NULL, "{\"expected\": 5}", "a 4, b 6, c");
    CHECK_INT(s.n_spans, 1);
    CHECK(s.spans[0].begin == 7 && s.spans[0].end == 9);
    CHECK_TEXT(s.detail, "expected 5, found 6,");
    CHECK_TEXT(score_of("numeric_match", NULL, "{\"expected\": 5}", "six").detail,
               "no number in the output");
    CHECK_INT(score_of("numeric_match", NULL, "{\"expected\": \"five\"}", "5").state,
              FT_SCORE_ERROR);
    static const char mixed[] = "{\"expected\": 5, \"references\": [\"x\"]}";
    CHECK_INT(score_of("numeric_match", NULL, mixed, "5").state, FT_SCORE_ERROR);
    ft_error err;
    CHECK(ft_evaluator_create("numeric_match", "{\"tolerance_abs\": -1}", NULL, &err) == NULL);
    CHECK(ft_evaluator_create("numeric_match", "{\"location\": \"middle\"}", NULL, &err) == NULL);
}

static void check_extract(const char *pattern, const char *text, const char *answer) {
    char params[64], expected[128];
    snprintf(params, sizeof params, "{\"pattern\": \"%s\"}", pattern);
    snprintf(expected, sizeof expected, answer ? "{\"value\":{\"answer\":\"%s\"}}"
                                               : "{\"value\":{\"answer\":null}}", answer);
    check_metric("answer_extract", params, "text", text, expected);
}

TEST(numbers, answer_letter_pattern) {
    check_extract("letter", "So: answer : c", "c");
    check_extract("letter", "ANSWER: A. No: ANSWER: D", "D");
    check_extract("letter", "ANSWER: A. No: ANSWER: DD", NULL);
    check_extract("letter", "ANSWER:\n\tB)", "B");
    check_extract("letter", "ANSWER: B\xC3\xA9", NULL);
    check_extract("letter", "ANSWER: B_", NULL);
    check_extract("letter", "AN\xC5\xBFWER: B", "B"); /* a long s, as Python folds it */
    check_extract("letter", "ANSWER", NULL);
    check_extract("letter", "", NULL);
}

TEST(numbers, answer_word_pattern) {
    check_extract("word", "ANSWER: maybe.\nSo be it", "maybe");
    check_extract("word", "ANSWER: maybe..", "maybe.");
    check_extract("word", "ANSWER: maybe not", NULL);
    check_extract("word", "ANSWER: .", ".");
    check_extract("word", "ANSWER: no\nANSWER: yes", "yes");
    check_extract("word", "ANSWER: ANSWER:\nx", "ANSWER"); /* the mark is in the word itself */
    check_extract("word", "ANSWER:ANSWER: x", "x");
    check_extract("word", "ANSWER: \n", NULL);
}

TEST(numbers, answer_line_pattern) {
    check_extract("line", "ANSWER: in the end \n \n", "in the end ");
    check_extract("line", "ANSWER: in the end\nor not", NULL);
    check_extract("line", "ANSWER:\nin the end", "in the end");
    check_extract("line", "first ANSWER: 1 ANSWER: 2", "1 ANSWER: 2");
    check_extract("line", "ANSWER: 1\nANSWER: 2", "2");
    check_extract("line", "ANSWER: ", " ");
    check_extract("line", "ANSWER:\n", NULL);
}

/* Many marks in one word, many marks without an answer: linear. */
TEST(numbers, answers_in_long_texts) {
    enum { N = 200000 };
    ft__buf text;
    ft__buf_init(&text, NULL);
    for (int i = 0; i < N / 7; i++) ft__buf_text(&text, "answer:");
    for (int i = 0; i < N; i++) ft__buf_byte(&text, ' ');
    ft__buf_byte(&text, 'x');
    double start = ft__seconds();
    static const char *const params[] = {"{\"pattern\": \"letter\"}", "{\"pattern\": \"word\"}",
                                         "{\"pattern\": \"line\"}"};
    for (int i = 0; i < 3; i++) { /* the line begins at the first mark */
        ft_score s = score_of("answer_letter", params[i], "{\"expected\": \"x\"}", text.data);
        CHECK_NEAR(s.value, i < 2, 0);
    }
    CHECK(ft__seconds() - start < 2);
    ft__buf_free(&text);
}

TEST(numbers, answer_letter) {
    static const char choices[] = "{\"choices\": [\"red\", \"green\", \"blue\"], \"answer\": 2}";
    static const number_row rows[] = {
        {NULL, "{\"expected\": \"B\"}", "Hm.\nANSWER: b", 1},
        {NULL, "{\"expected\": \"B\"}", "ANSWER: B\nANSWER: C", 0},
        {NULL, "{\"expected\": \"B\"}", "B", 0},
        {NULL, choices, "ANSWER: C", 1},
        {NULL, choices, "ANSWER: A", 0},
        {"{\"pattern\": \"word\"}", choices, "ANSWER: Blue.", 1},
        {"{\"pattern\": \"word\"}", choices, "ANSWER: c", 1},
        {"{\"pattern\": \"line\"}", choices, "ANSWER: blue ", 1},
        {"{\"pattern\": \"line\"}", choices, "ANSWER: light blue", 0},
        {NULL, "{\"choices\": [\"red\", \"green\"], \"expected\": \"green\"}", "ANSWER: B", 1},
        {NULL, "{\"choices\": [\"B\", \"A\"], \"answer\": \"A\"}", "ANSWER: A", 1},
        {"{\"pattern\": \"word\"}", "{\"expected\": 42}", "ANSWER: 42", 1},
        {"{\"pattern\": \"word\"}", "{\"answer\": 42}", "ANSWER: 42!", 1},
    };
    check_rows("answer_letter", rows, FT__COUNT(rows));
    ft_score s = score_of("answer_letter", NULL, choices, "x ANSWER: a");
    CHECK(s.n_spans == 1 && s.spans[0].begin == 10 && s.spans[0].end == 11);
    CHECK_TEXT(s.detail, "expected \"C\", found \"a\"");
    CHECK_TEXT(score_of("answer_letter", NULL, choices, "a").detail,
               "no answer of the form \"ANSWER: letter\"");
    static const char *const bad[] = {
        "{}", "{\"expected\": \"blue\"}", "{\"answer\": 3, \"choices\": [\"x\", \"y\"]}",
        "{\"answer\": [\"A\"]}", "{\"expected\": \"A\", \"references\": [\"green\"]}"};
    for (size_t i = 0; i < FT__COUNT(bad); i++)
        CHECK_INT(score_of("answer_letter", NULL, bad[i], "ANSWER: A").state, FT_SCORE_ERROR);
}

static const char *words_metric(const char *name, const char *prediction, const char *references) {
    static char value[64];
    char line[512];
    ft__buf out;
    ft_error err;
    ft__buf_init(&out, NULL);
    snprintf(line, sizeof line,
             "{\"metric\": \"%s\", \"input\": {\"prediction\": \"%s\", \"references\": %s}}", name,
             prediction, references);
    CHECK_OK(ft_metric(line, strlen(line), NULL, take, &out, &err), err);
    snprintf(value, sizeof value, "%.*s", (int)out.len, out.data);
    ft__buf_free(&out);
    return value;
}

TEST(numbers, inspect_words) {
    CHECK_TEXT(words_metric("inspect_f1", "two words", "[\"two\"]"), "{\"value\":0.67}");
    CHECK_TEXT(words_metric("inspect_f1", "two two", "[\"two\"]"), "{\"value\":1}"); /* sets */
    CHECK_TEXT(words_metric("inspect_f1", "a b c d e f g h", "[\"b\"]"), "{\"value\":0.25}");
    CHECK_TEXT(words_metric("inspect_f1", "the", "[\"an\"]"), "{\"value\":1}");
    CHECK_TEXT(words_metric("inspect_f1", "x", "[\"\", \" \"]"), "{\"value\":0}");
    CHECK_TEXT(words_metric("inspect_f1", "x y", "[\"z\", \"x\"]"), "{\"value\":0.67}");
    CHECK_TEXT(words_metric("inspect_exact", "twenty one", "[\"Twenty-One\"]"), "{\"value\":1}");
    CHECK_TEXT(words_metric("inspect_exact", "(3.50)", "[\"3.5\"]"), "{\"value\":1}");
    CHECK_TEXT(words_metric("inspect_exact", "1,000", "[\"1000.0\"]"), "{\"value\":1}");
    CHECK_TEXT(words_metric("inspect_exact", "3.5", "[\"35\"]"), "{\"value\":0}");
    CHECK_TEXT(words_metric("inspect_exact", "b a", "[\"a b\"]"), "{\"value\":1}");
    CHECK_TEXT(words_metric("inspect_exact", "c b", "[\"b c\"]"), "{\"value\":0}"); /* in order */
    CHECK_TEXT(words_metric("inspect_exact", "SS", "[\"\xC3\x9F\"]"), "{\"value\":1}");
}

TEST(numbers, includes) {
    ft__buf out;
    ft_error err;
    static const char line[] = "{\"metric\": \"includes\", \"input\": "
                               "{\"prediction\": \"Ein Ma\xC3\x9F\", \"reference\": \"MASS\"}}";
    ft__buf_init(&out, NULL);
    CHECK_OK(ft_metric(line, strlen(line), NULL, take, &out, &err), err);
    CHECK_TEXT(out.data, "{\"value\":{\"matched\":true}}");
    ft__buf_free(&out);
}

TEST(numbers, metrics_without_memory) {
    static const char *const lines[] = {
        "{\"metric\": \"match\", \"params\": {\"numeric\": true}, \"input\": "
        "{\"prediction\": \"It is 2\xC2\xBD\", \"reference\": \"2.5\"}}",
        "{\"metric\": \"match\", \"params\": {\"location\": \"any\"}, \"input\": "
        "{\"prediction\": \"It is so\", \"reference\": \"IS\"}}",
        "{\"metric\": \"inspect_f1\", \"input\": {\"prediction\": \"The 2,000 x\", "
        "\"references\": [\"x\", \"2000\"]}}",
        "{\"metric\": \"squad_em_f1\", \"input\": {\"prediction\": \"the \xCE\xA3 x\", "
        "\"references\": [\"x\", \"y z\"]}}",
        "{\"metric\": \"helm_final_number_exact_match\", \"input\": {\"prediction\": \"1 2\", "
        "\"reference\": \"2\"}}",
        "{\"metric\": \"helm_f1_score\", \"input\": {\"prediction\": \"x y\", "
        "\"reference\": \"x\"}}",
    };
    for (size_t i = 0; i < FT__COUNT(lines); i++) {
        ft_status status = FT_ERR_MEMORY;
        for (long fail_at = 1; status == FT_ERR_MEMORY && fail_at < 1000; fail_at++) {
            test_memory memory = {0, 0, fail_at};
            ft_allocator a = test_allocator(&memory);
            ft_error err;
            ft__buf out;
            ft__buf_init(&out, NULL);
            status = ft_metric(lines[i], strlen(lines[i]), &a, take, &out, &err);
            CHECK_INT(memory.live, 0);
            CHECK(status == FT_OK || status == FT_ERR_MEMORY);
            if (status == FT_OK) CHECK(strncmp(out.data, "{\"value\":", 9) == 0);
            ft__buf_free(&out);
        }
        CHECK_INT(status, FT_OK);
    }
}
