/* Evaluators through the public API, and SQuAD's numbers from the reference vectors. */
#include "test.h"
#include "../src/eval/eval.h"

/* The score of one output; FT_SCORE_ERROR and the reason in detail if anything was refused. */
static ft_score score_n(const char *name, const char *params, const char *row_json,
                        const char *output, size_t n) {
    ft_error err = {FT_OK, "", ""};
    ft_score score;
    memset(&score, 0, sizeof score);
    score.state = FT_SCORE_ERROR;
    ft_evaluator *e = ft_evaluator_create(name, params, NULL, &err);
    ft_row *row = e ? ft_row_parse(row_json, strlen(row_json), NULL, &err) : NULL;
    if (row) CHECK_OK(ft_evaluate(e, row, output, n, &score, &err), err);
    else snprintf(score.detail, sizeof score.detail, "REFUSED %.140s", err.message);
    ft_row_free(row);
    ft_evaluator_free(e);
    return score;
}

static ft_score score_of(const char *name, const char *params, const char *row,
                         const char *output) {
    return score_n(name, params, row, output, output ? strlen(output) : 0);
}

#define E "{\"expected\": \"Paris\"}"
#define LIST "{\"references\": [\"Paris\", \"Lutetia\"]}"

typedef struct want {
    const char *name, *params, *row, *output;
    double value;
    const char *detail; /* exact, or NULL for anything */
} want;

static void check_scores(const want *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        ft_score s = score_of(rows[i].name, rows[i].params, rows[i].row, rows[i].output);
        bool ok = s.state == FT_SCORED && s.value == rows[i].value &&
                  (!rows[i].detail || strcmp(s.detail, rows[i].detail) == 0);
        if (!ok)
            test_note("row %d: %s %s %s \"%s\": state %d value %g \"%s\"", (int)i, rows[i].name,
                      rows[i].params ? rows[i].params : "", rows[i].row, rows[i].output, s.state,
                      s.value, s.detail);
        CHECK(ok);
    }
}

TEST(evaluator, exact_match) {
    static const want rows[] = {
        {"exact_match", NULL, E, "Paris", 1, ""},
        {"exact_match", NULL, E, " \t\nParis\xE3\x80\x80\n", 1, ""},
        {"exact_match", NULL, E, "paris", 0, "expected \"Paris\""},
        {"exact_match", NULL, E, "", 0, NULL},
        {"exact_match", NULL, E, "\xFF", 0, NULL},
        {"exact_match", "{\"strip\": false}", E, "Paris ", 0, NULL},
        {"exact_match", "{\"ignore_case\": true}", E, "PARIS ", 1, ""},
        {"exact_match", "{\"ignore_case\": true}", "{\"expected\": \"\xCE\xA3\xCE\x91\xCE\xA3\"}",
         "\xCF\x83\xCE\xB1\xCF\x82", 1, ""},
        {"exact_match", NULL, LIST, "Lutetia", 1, ""},
        {"exact_match", NULL, LIST, "Rome", 0, "expected \"Paris\" or 1 more"},
        {"exact_match", NULL, "{\"expected\": \"a\", \"references\": [\"b\"]}", "a", 1, ""},
        {"exact_match", NULL, "{\"expected\": \"a\", \"references\": [\"b\"]}", "b", 1, ""},
        {"exact_match", NULL, "{\"expected\": null, \"references\": [\"b\"]}", "b", 1, ""},
        {"exact_match", NULL, "{\"expected\": \"\"}", "  ", 1, ""},
        {"exact_match", NULL, "{\"expected\": 42}", "42\n", 1, ""},
        {"exact_match", NULL, "{\"expected\": 42}", "42.0", 0, NULL},
        {"exact_match", NULL, "{\"expected\": 0.50}", "0.50", 1, ""},
        {"exact_match", NULL, "{\"expected\": true}", "true", 1, ""},
        {"exact_match", NULL, "{\"expected\": false}", "true", 0, "expected \"false\""},
        {"exact_match", NULL, "{\"expected\": \"a\\nb\"}", "c", 0, "expected \"a b\""},
    };
    check_scores(rows, FT__COUNT(rows));
    CHECK(score_n("exact_match", NULL, "{\"expected\": \"a\\u0000b\"}", "a\0b", 3).value == 1);
    CHECK(score_n("exact_match", NULL, "{\"expected\": \"a\\u0000b\"}", "a\0c", 3).value == 0);
}

TEST(evaluator, contains) {
    static const want rows[] = {
        {"contains", NULL, E, "It is Paris.", 1, ""},
        {"contains", NULL, E, "It is paris.", 0, "does not contain \"Paris\""},
        {"contains", "{\"ignore_case\": true}", E, "IT IS PARIS.", 1, ""},
        {"contains", NULL, LIST, "once Lutetia", 1, ""},
        {"contains", "{\"mode\": \"all\"}", LIST, "Lutetia, now Paris", 1, ""},
        {"contains", "{\"mode\": \"all\"}", LIST, "once Paris", 0, "does not contain \"Lutetia\""},
        {"contains", NULL, LIST, "Rome", 0, "does not contain \"Paris\" or 1 more"},
        {"contains", "{\"text\": \"sorry\"}", "{}", "I am sorry.", 1, ""},
        {"contains", "{\"text\": \"sorry\"}", E, "Paris", 0, NULL},
        {"contains", "{\"text\": \"sorry\", \"mode\": \"any\"}", "{}", "any", 0, NULL},
        {"contains", "{\"text\": [\"a\", \"b\"], \"mode\": \"all\"}", "{}", "xbxa", 1, ""},
        {"contains", "{\"text\": [\"a\", \"b\"]}", "{}", "xxb", 1, ""},
        {"contains", "{\"text\": \"aab\"}", "{}", "aaab", 1, ""},
        {"contains", "{\"text\": \"abab\"}", "{}", "abacababc", 1, ""},
        {"contains", "{\"text\": \"abab\"}", "{}", "abacabacaba", 0, NULL},
        {"contains", NULL, "{\"expected\": 42}", "the answer: 42!", 1, ""},
        {"contains", NULL, E, "", 0, NULL},
    };
    check_scores(rows, FT__COUNT(rows));
}

TEST(evaluator, regex) {
    static const want rows[] = {
        {"regex", "{\"pattern\": \"^\\\\d{4}-\\\\d\\\\d$\"}", "{}", "2024-05", 1, ""},
        {"regex", "{\"pattern\": \"^\\\\d{4}-\\\\d\\\\d$\"}", "{}", "24-05", 0, "no match"},
        {"regex", "{\"pattern\": \"b\"}", "{}", "abc", 1, ""},
        {"regex", "{\"pattern\": \"b\", \"full\": true}", "{}", "abc", 0, "no match"},
        {"regex", "{\"pattern\": \"B\", \"ignore_case\": true}", "{}", "abc", 1, ""},
        {"regex", "{\"pattern\": \"\"}", "{}", "", 1, ""},
    };
    check_scores(rows, FT__COUNT(rows));
}

TEST(evaluator, token_f1) {
    static const want rows[] = {
        {"token_f1", NULL, E, "The Paris!", 1, ""},
        {"token_f1", NULL, "{\"expected\": \"a b c d\"}", "B", 0.5, ""}, /* the article a is gone */
        {"token_f1", NULL, E, "", 0, ""},
        {"token_f1", NULL, "{\"expected\": \"\"}", "", 1, ""},
        {"token_f1", NULL, "{\"expected\": \"the\"}", "an", 1, ""},
        {"token_f1", NULL, "{\"expected\": \"the\", \"references\": [\"x\"]}", "", 0, ""},
        {"token_f1", NULL, "{\"expected\": \"x\", \"references\": [\"y z\"]}", "z y", 1, ""},
        {"token_f1", NULL, "{\"expected\": 7}", "7", 1, ""},
    };
    check_scores(rows, FT__COUNT(rows));
    CHECK(score_of("token_f1", NULL, "{\"expected\": \"b c d\"}", "b").pass);
    CHECK(!score_of("token_f1", NULL, "{\"expected\": \"b c d e\"}", "b").pass);
    CHECK(!score_of("token_f1", "{\"threshold\": 0.51}", "{\"expected\": \"b c d\"}", "b").pass);
}

TEST(evaluator, json_valid) {
    static const want rows[] = {
        {"json_valid", NULL, "{}", " {\"a\": [1, 2]} \n", 1, ""},
        {"json_valid", NULL, "{}", "{\"a\": }", 0, NULL},
        {"json_valid", NULL, "{}", "", 0, NULL},
        {"json_valid", NULL, "{}", "{} {}", 0, NULL},
        {"json_valid", NULL, "{}", "```json\n{}\n```", 0, NULL},
        {"json_valid", NULL, "{}", "\"\xFF\"", 0, NULL},
        {"json_valid", NULL, "{}", "NaN", 0, NULL},
        {"json_valid", "{\"type\": \"object\"}", "{}", "{}", 1, ""},
        {"json_valid", "{\"type\": \"object\"}", "{}",
         "[]", 0, "expected type object, found array"},
        {"json_valid", "{\"type\": \"boolean\"}", "{}", "false", 1, ""},
        {"json_valid", "{\"type\": \"null\"}", "{}", "null", 1, ""},
        {"json_valid", "{\"type\": null}", "{}", "3", 1, ""},
    };
    check_scores(rows, FT__COUNT(rows));
    CHECK(strstr(score_of("json_valid", NULL, "{}", "[1,\n x]").detail, "line 2: ") != NULL);
    /* nested too deeply is a bad answer, not a broken evaluator */
    char deep[2000];
    memset(deep, '[', sizeof deep);
    ft_score s = score_n("json_valid", NULL, "{}", deep, sizeof deep);
    CHECK_INT(s.state, FT_SCORED);
    CHECK(s.value == 0 && s.detail[0]);
}

TEST(evaluator, length) {
    static const want rows[] = {
        {"length", NULL, "{}", "", 1, "0 chars"},
        {"length", "{\"max\": 4}", "{}", "caf\xC3\xA9", 1, "4 chars"},
        {"length", "{\"max\": 4, \"unit\": \"bytes\"}", "{}", "caf\xC3\xA9", 0, "5 bytes"},
        {"length", "{\"max\": 3}", "{}", "caf\xC3\xA9", 0, "4 chars"},
        {"length", "{\"min\": 2, \"unit\": \"words\"}", "{}", " one\xE3\x80\x80two\n", 1,
         "2 words"},
        {"length", "{\"min\": 3, \"unit\": \"words\"}", "{}", " one two\n", 0, "2 words"},
        {"length", "{\"min\": 0, \"max\": 0}", "{}", "", 1, "0 chars"},
        {"length", NULL, "{}", "\xFF\xE2\x82", 1, "3 chars"},
    };
    check_scores(rows, FT__COUNT(rows));
}

TEST(evaluator, error_states) {
    static const struct {
        const char *name, *row, *detail;
    } rows[] = {
        {"exact_match", "{}", "row has no \"expected\""},
        {"contains", "{\"expected\": null}", "row has no \"expected\""},
        {"token_f1", "{\"references\": []}", "row has no \"expected\""},
        {"exact_match", "{\"expected\": {}}",
         "\"expected\" must be a text, found object"},
        {"token_f1", "{\"expected\": [\"a\"]}",
         "\"expected\" must be a text, found array"},
        {"exact_match", "{\"references\": \"a\"}", "\"references\" must be a list, found string"},
        {"exact_match", "{\"expected\": \"x\", \"references\": [\"a\", null]}",
         "\"references\" must be a list of texts, found null"},
        {"contains", "{\"expected\": \"\"}", "the text to look for is empty"},
        {"contains", "{\"references\": [\"x\", \"\"]}", "the text to look for is empty"},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        ft_score s = score_of(rows[i].name, NULL, rows[i].row, "x");
        CHECK_INT(s.state, FT_SCORE_ERROR);
        CHECK(s.value == 0 && !s.pass);
        CHECK_TEXT(s.detail, rows[i].detail);
    }
}

TEST(evaluator, refused_parameters) {
    static const struct {
        const char *name, *params, *needle;
    } rows[] = {
        {"exactmatch", NULL,
         "no evaluator is called \"exactmatch\"; did you mean \"exact_match\"?"},
        {"zzzzzzzzzzzzzzz", NULL, "no evaluator is called \"zzzzzzzzzzzzzzz\""},
        {"exact_match", "{\"ignorecase\": true}",
         "no parameter \"ignorecase\"; did you mean \"ignore_case\"?"},
        {"token_f1", "{\"zzzzzzzzzzzzzzz\": 1}",
         "token_f1 has no parameter \"zzzzzzzzzzzzzzz\"; they are {"},
        {"exact_match", "{\"strip\\u0000\": true}", "no parameter"},
        {"exact_match", "{\"strip\": \"yes\"}", "\"strip\" must be true or false; found \"yes\""},
        {"exact_match", "{\"strip\": null}", "\"strip\" must be true or false; found null"},
        {"exact_match", "[]", "must be an object, found array"},
        {"exact_match", "{", "the end of the text"},
        {"exact_match", "{\"threshold\": 2}", "\"threshold\" must be a number from 0 to 1; found 2"},
        {"exact_match", "{\"threshold\": -0.1}", "from 0 to 1; found -0.1"},
        {"exact_match", "{\"threshold\": \"1\"}", "must be a number"},
        {"contains", "{\"mode\": \"some\"}",
         "\"mode\" must be one of \"any\", \"all\"; found \"some\""},
        {"contains", "{\"text\": \"\"}", "not empty"}, {"contains", "{\"text\": []}", "not empty"},
        {"contains", "{\"text\": [\"a\", \"\"]}", "not empty"},
        {"contains", "{\"text\": 5}", "not empty"},
        {"contains", "{\"text\": [\"a\", 5]}", "not empty"},
        {"regex", NULL, "regex needs the parameter \"pattern\""},
        {"regex", "{\"pattern\": 5}", "must be a string; found 5"},
        {"regex", "{\"pattern\": \"a(\"}", "pattern, character 2"},
        {"json_valid", "{\"type\": \"dict\"}", "\"array\""},
        {"json_valid", "{\"type\": true}", "found boolean"},
        {"length", "{\"unit\": \"tokens\"}", "\"words\""}, {"length", "{\"min\": -1}", "0 or more"},
        {"length", "{\"min\": 1.5}", "whole number"},
        {"length", "{\"max\": \"3\"}", "whole number"},
        {"length", "{\"min\": 5, \"max\": 4}", "not below"},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        ft_error err = {FT_OK, "", ""};
        ft_evaluator *e = ft_evaluator_create(rows[i].name, rows[i].params, NULL, &err);
        if (e) test_check(false, rows[i].params, rows[i].name, (int)i);
        else CHECK(err.code != FT_OK && strstr(err.message, rows[i].needle) != NULL);
        if (!strstr(err.message, rows[i].needle)) test_note("%d: %s", (int)i, err.message);
        ft_evaluator_free(e);
    }
}

TEST(evaluator, rows) {
    ft_error err = {FT_OK, "", ""};
    CHECK(!ft_row_parse("[1]", 3, NULL, &err));
    CHECK_ERROR(err.code, FT_ERR_DATA, err, "a row must be an object, found array");
    CHECK(!ft_row_parse("{\"a\": 1", 7, NULL, &err));
    CHECK_ERROR(err.code, FT_ERR_FORMAT, err, "row:1");
    ft_row *row = ft_row_parse("{\"a\": null, \"b\": 1}", 19, NULL, &err);
    CHECK(row && !ft__row_get(row, "a") && ft__row_get(row, "b") && !ft__row_get(row, "c"));
    ft_row_free(row);
    ft_row_free(NULL);
    ft_evaluator_free(NULL);
}

static const ft_evaluator_info *info_of(const char *name) {
    for (int i = 0; i < ft_evaluator_count(); i++)
        if (strcmp(ft_evaluator_at(i)->name, name) == 0) return ft_evaluator_at(i);
    return NULL;
}

/* What the registry says of each evaluator is true: its parameters are accepted as they are
   written, its range holds, an output compared with itself is best. */
TEST(evaluator, registry) {
    static const char *const texts[] = {"", "Paris", "the", "a b c", "\xFF\xFE", "\xCE\xA3\xCE\xA3",
                                        "{\"a\": 1}", "  ", "42", "\xC4\xB0"};
    static const char *const names[] = {"exact_match", "contains", "regex",
                                        "token_f1", "json_valid", "length"};
    CHECK(!ft_evaluator_at(-1) && !ft_evaluator_at(ft_evaluator_count()));
    for (int i = 0; i < ft_evaluator_count(); i++) {
        const ft_evaluator_info *info = ft_evaluator_at(i);
        CHECK(strncmp(info->signature, info->name, strlen(info->name)) == 0);
        CHECK(info->lowest < info->highest && info->threshold >= info->lowest);
        CHECK(info->threshold <= info->highest && info->summary[0]);
    }
    for (size_t i = 0; i < FT__COUNT(names); i++) {
        const ft_evaluator_info *info = info_of(names[i]);
        ft_error err = {FT_OK, "", ""};
        bool is_regex = strcmp(names[i], "regex") == 0;
        if (!CHECK(info != NULL)) continue;
        ft_evaluator *e = ft_evaluator_create(info->name, is_regex ? "{\"pattern\": \"[a-z]\"}"
                                                                   : info->params, NULL, &err);
        if (!CHECK(e != NULL)) continue;
        CHECK(ft_evaluator_get_info(e) == info);
        for (size_t a = 0; a < FT__COUNT(texts); a++)
            for (size_t b = 0; b < FT__COUNT(texts); b++) {
                ft__buf json;
                ft__json_writer w;
                ft_score s, again;
                ft__buf_init(&json, NULL);
                ft__json_writer_init(&w, &json, 0);
                ft__json_begin(&w, '{');
                ft__json_key(&w, "expected");
                ft__json_string(&w, texts[a], strlen(texts[a]));
                ft__json_end(&w, '}');
                ft_row *row = ft_row_parse(json.data, json.len, NULL, &err);
                CHECK(row != NULL);
                CHECK_OK(ft_evaluate(e, row, texts[b], strlen(texts[b]), &s, &err), err);
                CHECK_OK(ft_evaluate(e, row, texts[b], strlen(texts[b]), &again, &err), err);
                CHECK(memcmp(&s, &again, sizeof s) == 0);
                CHECK(s.value >= info->lowest && s.value <= info->highest);
                CHECK(s.state == FT_SCORED || (i == 1 && a == 0));
                if (a == b && a != 4 && info->fields[0] && s.state == FT_SCORED)
                    CHECK(s.value == info->highest && s.pass);
                ft_row_free(row);
                ft__buf_free(&json);
            }
        ft_evaluator_free(e);
    }
}

TEST(evaluator, detail_is_whole_text) {
    /* A long expected text of three-byte characters is cut between characters. */
    char row[1024] = "{\"expected\": \"";
    for (int i = 0; i < 200; i++) strcat(row, "\xE2\x82\xAC");
    strcat(row, "\"}");
    ft_score s = score_of("exact_match", NULL, row, "x");
    CHECK_INT(ft__utf8_incomplete_tail(s.detail, strlen(s.detail)), 0);
    CHECK(strstr(s.detail, "...\"") != NULL);
    const char *p = s.detail, *end = p + strlen(p);
    while (p < end) CHECK(ft__utf8_next(&p, end) != FT__BAD_UTF8);
}

TEST(evaluator, strip) {
    static const char *const rows[][2] = {
        {"", ""}, {" ", ""}, {"a", "a"}, {" a b ", "a b"}, {"\xE3\x80\x80x\xC2\x85", "x"},
        {"\x1C\x1Fx", "x"}, {"\xE2\x80\x8Bx", "\xE2\x80\x8Bx"}, {" \xFF ", "\xFF"},
        {"\x80 \xC2", "\x80 \xC2"}, {"\xE2\x80 ", "\xE2\x80"},
        {"\xF0\x9F\x98\x80\n", "\xF0\x9F\x98\x80"},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        ft__view v = {rows[i][0], strlen(rows[i][0])}, s = ft__text_strip(v);
        CHECK(ft__text_equal(s.text, s.n, rows[i][1], strlen(rows[i][1])));
    }
}

/* ---- the reference vectors */

static bool normalised_is(const ft__json *input, const ft__json *expected) {
    ft__buf out;
    ft__view v = {input->text, input->text_len};
    ft__buf_init(&out, NULL);
    ft__squad_normalize(v, &out);
    bool same = out.len == expected->text_len &&
                (out.len == 0 || memcmp(out.data, expected->text, out.len) == 0);
    if (!same) test_note("\"%s\" became \"%s\"", input->text, out.data ? out.data : "");
    ft__buf_free(&out);
    return same;
}

/* Exact match by the script's rules: the same normal form as one of the answers that count. */
static int exact_of(const ft__json *prediction, const ft__json *references) {
    int best = 0, counted = 0;
    ft__buf got, gold;
    ft__view v = {prediction->text, prediction->text_len};
    ft__buf_init(&got, NULL);
    ft__squad_normalize(v, &got);
    for (const ft__json *r = references->child; r; r = r->next) {
        ft__view w = {r->text, r->text_len};
        ft__buf_init(&gold, NULL);
        ft__squad_normalize(w, &gold);
        if (gold.len) {
            counted++;
            if (gold.len == got.len && memcmp(gold.data, got.data, got.len) == 0) best = 1;
        }
        ft__buf_free(&gold);
    }
    if (!counted) best = got.len == 0;
    ft__buf_free(&got);
    return best;
}

static double f1_of(const ft_evaluator *e, const ft__json *prediction, const ft__json *references) {
    ft__buf json;
    ft__json_writer w;
    ft_score s;
    ft_error err = {FT_OK, "", ""};
    ft__buf_init(&json, NULL);
    ft__json_writer_init(&w, &json, 0);
    ft__json_begin(&w, '{');
    if (references->count) {
        ft__json_key(&w, "references");
        ft__json_value(&w, references);
    } else { /* the script's answer for a question without one */
        ft__json_key(&w, "expected");
        ft__json_text(&w, "");
    }
    ft__json_end(&w, '}');
    ft_row *row = ft_row_parse(json.data, json.len, NULL, &err);
    ft_evaluate(e, row, prediction->text, prediction->text_len, &s, &err);
    CHECK_INT(s.state, FT_SCORED);
    ft_row_free(row);
    ft__buf_free(&json);
    return s.value;
}

TEST(evaluator, squad_vectors) {
    const char *path = test_shared("metrics/squad.jsonl");
    if (!path) SKIP("no ../shared");
    size_t n;
    int f1_rows = 0, corpus_rows = 0, normal_rows = 0;
    char *text = test_read(path, &n);
    ft_error err = {FT_OK, "", ""};
    ft_evaluator *e = ft_evaluator_create("token_f1", NULL, NULL, &err);
    ft__arena arena;
    ft__jsonl reader;
    ft__json *row;
    ft__arena_init(&arena, NULL);
    ft__jsonl_init(&reader, text, n, path);
    while (CHECK_OK(ft__jsonl_next(&reader, &arena, &row, &err), err) && row) {
        const ft__json *input = ft__json_get(row, "input");
        const ft__json *expected = ft__json_get(row, "expected");
        const char *metric = ft__json_get(row, "metric")->text;
        if (strcmp(metric, "squad_em_f1") == 0) {
            const ft__json *p = ft__json_get(input, "prediction");
            const ft__json *r = ft__json_get(input, "references");
            bool ok = CHECK_NEAR(f1_of(e, p, r), ft__json_get(expected, "f1")->number, 1e-9);
            ok &= CHECK_INT(exact_of(p, r), ft__json_get(expected, "exact")->number);
            if (!ok) test_note("%s", ft__json_get(row, "id")->text);
            f1_rows++;
        } else if (strcmp(metric, "squad_normalize") == 0) {
            CHECK(normalised_is(ft__json_get(input, "text"), ft__json_get(expected, "normalized")));
            normal_rows++;
        } else if (strcmp(metric, "squad_corpus") == 0) {
            double f1 = 0, exact = 0, count = 0;
            const ft__json *r = ft__json_get(input, "references")->child;
            for (const ft__json *p = ft__json_get(input, "predictions")->child; p; p = p->next) {
                f1 += f1_of(e, p, r);
                exact += exact_of(p, r);
                count++;
                r = r->next;
            }
            CHECK_NEAR(100 * f1 / count, ft__json_get(expected, "f1")->number, 1e-9 * 100);
            CHECK_NEAR(100 * exact / count, ft__json_get(expected, "exact")->number, 1e-9 * 100);
            corpus_rows++;
        } else CHECK(false);
    }
    CHECK(f1_rows > 0 && normal_rows > 0 && corpus_rows > 0);
    test_note("SQuAD: %d rows of F1 and exact, %d of normalisation, %d corpora", f1_rows,
              normal_rows, corpus_rows);
    ft_evaluator_free(e);
    ft__arena_free(&arena);
    free(text);
}

/* A text evaluator on one prediction and reference. */
static double text_score(const char *name, bool ignore_case, const ft__json *input) {
    const ft__json *p = ft__json_get(input, "prediction"), *r = ft__json_get(input, "reference");
    ft__buf json;
    ft__json_writer w;
    ft__buf_init(&json, NULL);
    ft__json_writer_init(&w, &json, 0);
    ft__json_begin(&w, '{');
    ft__json_key(&w, "expected");
    ft__json_string(&w, r->text, r->text_len);
    ft__json_end(&w, '}');
    ft_score s = score_n(name, ignore_case ? "{\"ignore_case\": true}" : NULL, json.data, p->text,
                         p->text_len);
    CHECK_INT(s.state, FT_SCORED);
    ft__buf_free(&json);
    return s.value;
}

/* HELM's exact_match is ours, but for the rule that an empty prediction is never right. */
TEST(evaluator, helm_vectors) {
    const char *path = test_shared("metrics/quasi_exact.jsonl");
    if (!path) SKIP("no ../shared");
    size_t n;
    int rows = 0;
    char *text = test_read(path, &n);
    ft_error err = {FT_OK, "", ""};
    ft__arena arena;
    ft__jsonl reader;
    ft__json *row;
    ft__arena_init(&arena, NULL);
    ft__jsonl_init(&reader, text, n, path);
    while (CHECK_OK(ft__jsonl_next(&reader, &arena, &row, &err), err) && row) {
        const ft__json *input = ft__json_get(row, "input");
        if (strcmp(ft__json_get(row, "metric")->text, "helm_exact_match") != 0 ||
            ft__json_get(input, "prediction")->text_len == 0)
            continue;
        rows++;
        double expected = ft__json_get(row, "expected")->number;
        if (!CHECK_NEAR(text_score("exact_match", false, input), expected, 0))
            test_note("%s", ft__json_get(row, "id")->text);
    }
    CHECK(rows > 0);
    test_note("HELM: %d rows of exact_match", rows);
    ft__arena_free(&arena);
    free(text);
}

/* inspect_ai's includes is our contains, but for folding (we lower) and for an empty target. */
TEST(evaluator, includes_vectors) {
    const char *path = test_shared("metrics/match.jsonl");
    if (!path) SKIP("no ../shared");
    size_t n;
    int rows = 0;
    char *text = test_read(path, &n);
    ft_error err = {FT_OK, "", ""};
    ft__arena arena;
    ft__jsonl reader;
    ft__json *row;
    ft__arena_init(&arena, NULL);
    ft__jsonl_init(&reader, text, n, path);
    while (CHECK_OK(ft__jsonl_next(&reader, &arena, &row, &err), err) && row) {
        const ft__json *input = ft__json_get(row, "input");
        if (strcmp(ft__json_get(row, "metric")->text, "includes") != 0 ||
            ft__json_get(input, "reference")->text_len == 0 ||
            strstr(ft__json_get(input, "prediction")->text, "\xC3\x9F")) /* sharp s folds to ss */
            continue;
        rows++;
        bool ignore_case = ft__json_path(row, "params.ignore_case")->type == FT__JSON_TRUE;
        bool matched = ft__json_path(row, "expected.matched")->type == FT__JSON_TRUE;
        if (!CHECK_NEAR(text_score("contains", ignore_case, input), matched, 0))
            test_note("%s", ft__json_get(row, "id")->text);
    }
    CHECK(rows > 0);
    test_note("inspect_ai: %d rows of includes", rows);
    ft__arena_free(&arena);
    free(text);
}
