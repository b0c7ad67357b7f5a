/* The branches of BFCL's checker that are rare in the public vectors. */
#include "../src/eval/eval.h"
#include "test.h"

static int collect(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n);
    return 0;
}

/* One function f with one parameter p: the error type, "" if valid, "error" if the metric fails.
   Static. */
static const char *check(const char *type, const char *answers, const char *arguments) {
    static char found[200];
    char line[1000];
    ft_error err;
    ft__buf out;
    ft_allocator a = ft__allocator(NULL);
    snprintf(
        line, sizeof line,
        "{\"metric\": \"bfcl_ast\", \"params\": {\"category\": \"simple_python\"}, \"input\": {"
        "\"functions\": [{\"name\": \"f\", \"parameters\": {\"type\": \"dict\", \"properties\": "
        "{\"p\": {%s}, \"q\": {\"type\": \"any\"}}, \"required\": []}}],"
        "\"possible_answer\": [{\"f\": {\"p\": %s}}],"
        "\"model_output\": [{\"name\": \"f\", \"arguments\": %s}]}}",
        type, answers, arguments);
    ft__buf_init(&out, &a);
    CHECK_OK(ft_metric(line, strlen(line), NULL, collect, &out, &err), err);
    const char *text = out.data ? strstr(out.data, "\"error_type\":\"") : NULL;
    found[0] = 0;
    if (text)
        snprintf(found, sizeof found, "%s", text + 14);
    else if (!out.data || !strstr(out.data, "\"valid\":true"))
        strcpy(found, "error\"");
    if (strchr(found, '"')) *strchr(found, '"') = 0;
    ft__buf_free(&out);
    return found;
}

#define STRING      "\"type\": \"string\""
#define LIST(items) "\"type\": \"array\", \"items\": {\"type\": \"" items "\"}"

TEST(bfcl, texts) {
    CHECK_TEXT(check(STRING, "[\"Don't-stop\"]", "{\"p\": \"DON\\\"T STOP\"}"), "");
    CHECK_TEXT(check(STRING, "[\"\xC3\x84pfel\"]", "{\"p\": \"\xC3\xA4_pfel\"}"), "");
    CHECK_TEXT(check(STRING, "[\"\xC3\x84pfel\"]", "{\"p\": \"apfel\"}"), "value_error:string");
    CHECK_TEXT(check(STRING, "[\"\xE2\x84\xAA\"]", "{\"p\": \"k\"}"), ""); /* the Kelvin sign */
    CHECK_TEXT(check(STRING, "[\"a\", \"\"]", "{\"p\": \" - \"}"), "");
    CHECK_TEXT(check(STRING, "[\"a!\"]", "{\"p\": \"a\"}"), "value_error:string");
}

TEST(bfcl, numbers) {
    CHECK_TEXT(check("\"type\": \"float\"", "[2.0]", "{\"p\": 2}"), "");
    CHECK_TEXT(check("\"type\": \"integer\"", "[2]", "{\"p\": 2.0}"), "type_error:simple");
    CHECK_TEXT(check("\"type\": \"integer\"", "[1]", "{\"p\": true}"), "type_error:simple");
    CHECK_TEXT(check("\"type\": \"float\"", "[1]", "{\"p\": true}"), "type_error:simple");
    CHECK_TEXT(check("\"type\": \"any\"", "[1]", "{\"p\": 1}"), "");
    CHECK_TEXT(check("\"type\": \"float\"", "[\"x\"]", "{\"p\": \"x\"}"), ""); /* a variable */
    CHECK_TEXT(check("\"type\": \"float\"", "[\"x\"]", "{\"p\": \"X\"}"), "value_error:others");
}

TEST(bfcl, lists) {
    CHECK_TEXT(check(LIST("string"), "[[\"a b\", \"C\"]]", "{\"p\": [\"AB\", \"c\"]}"), "");
    CHECK_TEXT(check(LIST("string"), "[[\"a\", \"c\"]]", "{\"p\": [\"c\", \"a\"]}"),
               "value_error:list/tuple");
    CHECK_TEXT(check(LIST("integer"), "[[1, 2]]", "{\"p\": [1, \"2\"]}"), "type_error:nested");
    CHECK_TEXT(check(LIST("float"), "[[1, 2]]", "{\"p\": [1, 2]}"), "");
    CHECK_TEXT(check(LIST("float"), "[[1, 2]]", "{\"p\": [1.0, 2.0]}"), "");
    CHECK_TEXT(check(LIST("integer"), "[\"\"]", "{\"p\": []}"), "");
    CHECK_TEXT(check(LIST("array"), "[[[\"a\"]]]", "{\"p\": [[\"A\"]]}"), "value_error:list/tuple");
}

TEST(bfcl, dicts) {
    static const char dict[] = "\"type\": \"dict\"";
    static const char answer[] = "[{\"a\": [1, 2], \"b\": [\"x\", \"\"]}, \"\"]";
    CHECK_TEXT(check(dict, answer, "{\"p\": {\"a\": 2, \"b\": \"X\"}}"), "");
    CHECK_TEXT(check(dict, answer, "{\"p\": {\"a\": 1}}"), "");
    CHECK_TEXT(check(dict, answer, "{\"p\": {\"b\": \"x\"}}"), "value_error:dict_key");
    CHECK_TEXT(check(dict, answer, "{\"p\": {\"a\": 3}}"), "value_error:dict_value");
    CHECK_TEXT(check(dict, answer, "{\"p\": {\"a\": 1, \"c\": 1}}"), "value_error:dict_key");
    CHECK_TEXT(check(dict, "[\"\"]", "{\"p\": {}}"), "dict_checker:unclear");
    CHECK_TEXT(
        check(LIST("dict"), "[[{\"a\": [1]}, {\"a\": [2]}]]", "{\"p\": [{\"a\": 1}, {\"a\": 2}]}"),
        "");
    CHECK_TEXT(
        check(LIST("dict"), "[[{\"a\": [1]}, {\"a\": [2]}]]", "{\"p\": [{\"a\": 2}, {\"a\": 1}]}"),
        "value_error:dict_value");
    CHECK_TEXT(check(LIST("dict"), "[[{\"a\": [1]}]]", "{\"p\": []}"),
               "value_error:list_dict_count");
}

TEST(bfcl, parameters) {
    CHECK_TEXT(check(STRING, "[\"a\"]", "{}"), "simple_function_checker:missing_optional");
    CHECK_TEXT(check(STRING, "[\"a\", \"\"]", "{}"), "");
    CHECK_TEXT(check(STRING, "[\"a\"]", "{\"p\": \"a\", \"q\": \"b\"}"),
               "simple_function_checker:unexpected_param");
}

TEST(bfcl, what_has_no_verdict_is_an_error) {
    CHECK_TEXT(check("\"type\": \"void\"", "[\"a\"]", "{\"p\": \"a\"}"), "error");
    CHECK_TEXT(check("\"kind\": 1", "[\"a\"]", "{\"p\": \"a\"}"), "error");
    CHECK_TEXT(check(STRING, "[\"a\"]", "[1]"), "error");
}

TEST(bfcl, texts_may_hold_anything) {
    static const struct {
        const char *a, *b;
        size_t n_a, n_b;
        bool equal;
    } cases[] = {{"", "", 0, 0, true},
                 {"", " ./", 0, 3, true},
                 {"a\0", "a", 2, 1, false},
                 {"\0", "\0", 1, 1, true},
                 {"\xFF", "\xFF", 1, 1, true},
                 {"\xFF", "\xFE", 1, 1, false},
                 {"a\xFF", "A \xFF", 2, 3, true},
                 {"ab", "a", 2, 1, false},
                 {"x'", "X\"", 2, 2, true}};
    ft_allocator a = ft__allocator(NULL);
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        ft__view x = {cases[i].a, cases[i].n_a}, y = {cases[i].b, cases[i].n_b};
        bool equal = !cases[i].equal;
        CHECK(ft__bfcl_text_equal(x, y, &a, &equal));
        CHECK_INT(equal, cases[i].equal);
    }
}
