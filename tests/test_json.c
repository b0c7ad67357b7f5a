/* JSON: the grammar rule by rule, errors and their places, the questions, the writer. */
#include "../src/io/json.h"
#include "test.h"

#include <dirent.h>

static ft__arena arena; /* of the running test */

static ft__json *parse_bytes(const char *text, size_t n) {
    ft__json *value = NULL;
    ft_error err;
    ft_status status = ft__json_parse(text, n, "text", 1, &arena, &value, &err);
    if (!CHECK_OK(status, err)) test_note("in %.60s", text);
    return value;
}

static ft__json *parse(const char *text) { return parse_bytes(text, strlen(text)); }

static void refuses_bytes(const char *text, size_t n, const char *needle) {
    ft__json *value = NULL;
    ft_error err;
    char *copy = (char *)malloc(n ? n : 1); /* no byte after the end: the sanitizer watches */
    memcpy(copy, text, n);
    ft_status status = ft__json_parse(copy, n, "f.json", 1, &arena, &value, &err);
    if (!CHECK_ERROR(status, FT_ERR_FORMAT, err, needle) || !CHECK(value == NULL))
        test_note("for %.60s", text);
    free(copy);
}

static void refuses(const char *text, const char *needle) {
    refuses_bytes(text, strlen(text), needle);
}

/* The text's string value is these bytes. */
static void string_is(const char *text, const char *bytes, size_t n) {
    ft__json *v = parse(text);
    if (!v) return;
    CHECK_INT(v->type, FT__JSON_STRING);
    if (!CHECK(ft__text_equal(v->text, v->text_len, bytes, n)) || !CHECK(v->text[n] == 0))
        test_note("%s gave %s", text, v->text);
}

/* Parsed and written again. */
static void rewrites(const char *text, int indent, const char *expected) {
    ft__json *v = parse(text);
    ft__buf out;
    ft__json_writer w;
    if (!v) return;
    ft__buf_init(&out, NULL);
    ft__json_writer_init(&w, &out, indent);
    ft__json_value(&w, v);
    CHECK_TEXT(out.data, expected);
    ft__buf_free(&out);
}

TEST(json, reads_scalars) {
    ft__arena_init(&arena, NULL);
    CHECK_INT(parse("null")->type, FT__JSON_NULL);
    CHECK_INT(parse(" \t\r\ntrue \n")->type, FT__JSON_TRUE);
    CHECK_INT(parse("false")->type, FT__JSON_FALSE);
    ft__json *v = parse("-12.50e1");
    CHECK_INT(v->type, FT__JSON_NUMBER);
    CHECK(v->number == -125);
    CHECK_TEXT(v->text, "-12.50e1");
    CHECK_INT(v->text_len, 8);
    CHECK(parse("0")->number == 0);
    CHECK(parse("-0.0")->number == 0);
    CHECK(parse("10E+2")->number == 1000);
    CHECK(parse("1e-999999999999")->number == 0);
    string_is("\"\"", "", 0);
    string_is("\"abc\"", "abc", 3);
    ft__arena_free(&arena);
}

TEST(json, reads_strings) {
    ft__arena_init(&arena, NULL);
    string_is("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
    string_is("\"\\u0041\\u00e9\\u00E9\\u20ac\"", "A\xC3\xA9\xC3\xA9\xE2\x82\xAC", 8);
    string_is("\"\\uD83D\\uDE00\\uDBFF\\uDFFF\"", "\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF", 8);
    string_is("\"a\\u0000b\"", "a\0b", 3);
    string_is("\"\\uFFFF\\uD7FF\\uE000\"", "\xEF\xBF\xBF\xED\x9F\xBF\xEE\x80\x80", 9);
    string_is("\"\x7F \xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"",
              "\x7F \xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 11);
    string_is("\"\\\\u0041\"", "\\u0041", 6);
    ft__arena_free(&arena);
}

TEST(json, reads_containers) {
    ft__arena_init(&arena, NULL);
    CHECK_INT(parse("[]")->count, 0);
    CHECK_INT(parse("{ \n}")->count, 0);
    ft__json *v = parse("{\"a\": [1, 2 ,3],\n \"b\\n\" : {\"c\" :null}\n, \"\": true}");
    CHECK_INT(v->type, FT__JSON_OBJECT);
    CHECK_INT(v->count, 3);
    CHECK_INT(v->line, 1);
    ft__json *a = v->child, *b = a->next, *c = b->next;
    CHECK_TEXT(a->key, "a");
    CHECK_INT(a->type, FT__JSON_ARRAY);
    CHECK_INT(a->count, 3);
    CHECK(a->child->number == 1 && a->child->next->number == 2 &&
          a->child->next->next->number == 3);
    CHECK(a->child->next->next->next == NULL);
    CHECK(a->child->key == NULL);
    CHECK_TEXT(b->key, "b\n");
    CHECK_INT(b->key_len, 2);
    CHECK_INT(b->line, 2);
    CHECK_INT(b->child->type, FT__JSON_NULL);
    CHECK_TEXT(c->key, "");
    CHECK_INT(c->line, 3);
    CHECK(c->next == NULL);
    ft__arena_free(&arena);
}

TEST(json, refuses_what_is_not_json) {
    static const char *const texts[] = {
        " ",
        "nul",
        "nullx",
        "True",
        "NaN",
        "Infinity",
        "-Infinity",
        "'a'",
        "{a: 1}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1",
        "[",
        "]",
        "{",
        "}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{1:2}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "[1}",
        "{\"a\":1]",
        "1 2",
        "[] []",
        "// x\n1",
        "[1]/**/",
        "+1",
        "01",
        "-01",
        "-",
        ".5",
        "1.",
        "1.e3",
        "1e",
        "1e+",
        "--1",
        "0x10",
        "1_000",
        "1.2.3",
        "\"",
        "\"a",
        "\"\\",
        "\"\\x\"",
        "\"\\u\"",
        "\"\\u12\"",
        "\"\\u12G4\"",
        "\"\\u 123\"",
        "\"a\nb\"",
        "\"a\tb\"",
        "\"\x01\"",
        "\"\x1F\"",
        "\xEF\xBB\xBF"
        "1",
        "\f1",
        "\xC2\xA0"
        "1",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800x\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\ud800\\n\"",
        "\"\\ud800\\udc0\"",
        "\"\x80\"",
        "\"\xFF\"",
        "\"\xC3\"",
        "\"\xC0\xAF\"",
        "\"\xE0\x80\xAF\"",
        "\"\xED\xA0\x80\"",
        "\"\xF4\x90\x80\x80\"",
        "\"\xF0\x9F\x98\"",
        "\"\xE2\x82",
        "{\"\xFF\":1}",
        "{\"\\ud800\":1}",
    };
    ft__arena_init(&arena, NULL);
    for (size_t i = 0; i < FT__COUNT(texts); i++) refuses(texts[i], "f.json:");
    refuses_bytes("1\0", 2, "found U+0000");
    refuses_bytes("\"a\0b\"", 5, "found U+0000");
    refuses_bytes("\"\\\0\"", 4, "after the backslash");
    refuses_bytes("", 0, "f.json:1: expected a value, found the end of the text at column 1");
    ft_error err;
    ft__json *value;
    CHECK_INT(ft__json_parse(NULL, 0, "x", 1, &arena, &value, &err), FT_ERR_FORMAT);
    CHECK_INT(ft__json_parse("x", 1, "x", 1, &arena, &value, NULL), FT_ERR_FORMAT);
    ft__arena_free(&arena);
}

TEST(json, errors_name_the_place) {
    ft__arena_init(&arena, NULL);
    refuses("{\"a\": 1,\n  \"b\" 2}",
            "f.json:2: expected ':' after the key, found '2' at column 7");
    refuses("[1,\r\n\r\n 2 x]", "f.json:3: expected ',' or ']', found 'x' at column 4");
    refuses("{\"a\": 1 ]", "f.json:1: expected ',' or '}', found ']' at column 9");
    refuses("[\"\xC3\xA9\xE2\x82\xAC\", x]", "f.json:1: expected a value, found 'x' at column 8");
    refuses("[01]", "expected ',' or ']', found '1' at column 3");
    refuses("[-x]", "expected a digit, found 'x' at column 3");
    refuses("\"ab\ncd\"",
            "f.json:1: expected an escape for a control character, found U+000A at column 4");
    refuses("\"ab\xFFq\"", "expected valid UTF-8, found the byte 0xFF at column 4");
    refuses("\"ab\\qz\"", "after the backslash, found 'q' at column 5");
    refuses("\"ab\\u12z4\"", "expected four hexadecimal digits after \\u, found '1' at column 6");
    refuses("\"ab\\ud800\"", "half a surrogate pair at column 4");
    refuses("\"abc",
            "expected '\"' at the end of the string, found the end of the text at column 5");
    refuses("[1] ,", "expected nothing more after the value, found ',' at column 5");
    refuses("[1, 1e999]", "f.json:1: number too large for a double at column 5");
    refuses("{\"a\": 1, b: 2}", "expected a key in double quotes, found 'b' at column 10");
    refuses("[\xC3\xA9]", "expected a value, found U+00E9 at column 2");

    ft__json *value;
    ft_error err;
    CHECK_INT(ft__json_parse("\n\nx", 3, NULL, 40, &arena, &value, &err), FT_ERR_FORMAT);
    CHECK_TEXT(err.where, "line 42");
    char name[600]; /* a long name must not push the line out */
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = 0;
    CHECK_INT(ft__json_parse("x", 1, name, 7, &arena, &value, &err), FT_ERR_FORMAT);
    CHECK_TEXT(err.where + strlen(err.where) - 2, ":7");
    ft__arena_free(&arena);
}

TEST(json, bounds_the_depth) {
    enum { DEEP = 200000 };
    static char text[DEEP];
    ft__json *value;
    ft_error err;
    ft__arena_init(&arena, NULL);
    memset(text, '[', FT__JSON_MAX_DEPTH);
    memset(text + FT__JSON_MAX_DEPTH, ']', FT__JSON_MAX_DEPTH);
    CHECK(parse_bytes(text, 2 * FT__JSON_MAX_DEPTH) != NULL);

    memset(text, '[', FT__JSON_MAX_DEPTH + 1);
    memset(text + FT__JSON_MAX_DEPTH + 1, ']', FT__JSON_MAX_DEPTH + 1);
    ft_status status =
        ft__json_parse(text, 2 * FT__JSON_MAX_DEPTH + 2, "d", 1, &arena, &value, &err);
    CHECK_ERROR(status, FT_ERR_LIMIT, err,
                "d:1: arrays and objects nested too deeply at column 513");
    memset(text, '[', DEEP);
    CHECK_INT(ft__json_parse(text, DEEP, "d", 1, &arena, &value, &err), FT_ERR_LIMIT);
    for (size_t i = 0; i + 5 <= DEEP; i += 5) memcpy(text + i, "{\"\":[", 5);
    CHECK_INT(ft__json_parse(text, DEEP, "d", 1, &arena, &value, &err), FT_ERR_LIMIT);

    /* depth is what is open at one time, not how many there were */
    text[0] = '[';
    for (size_t i = 1; i < 150000; i += 3) memcpy(text + i, "[],", 3);
    memcpy(text + 150001, "0]", 2);
    CHECK(parse_bytes(text, 150003) != NULL);
    ft__arena_free(&arena);
}

static const char sample[] =
    "{\"id\": \"row \\u00e9\\ud83d\\ude00\", \"list\": [1, -2.5e+3, true, false, null, [], {}],\r\n"
    "  \"text\": \"a\\tb \xE2\x82\xAC\", \"tags\": {\"lang\": \"de\", \"n\": 0.1}}";

/* No beginning of an object is one, and none is read past its end. */
TEST(json, refuses_every_truncation) {
    ft__arena_init(&arena, NULL);
    CHECK(parse(sample) != NULL);
    for (size_t n = 0; n < sizeof sample - 1; n++) refuses_bytes(sample, n, "f.json:");
    ft__arena_free(&arena);
}

/* Any byte for any other: valid or not, but never out of bounds (the sanitizers watch). */
TEST(json, survives_changed_bytes) {
    size_t n = sizeof sample - 1;
    char *copy = (char *)malloc(n);
    long valid = 0;
    bool ok;
    for (size_t i = 0; i < n; i++) {
        memcpy(copy, sample, n);
        for (int byte = 0; byte < 256; byte++) {
            copy[i] = (char)byte;
            CHECK_INT(ft__json_valid(copy, n, NULL, &ok), FT_OK);
            valid += ok;
        }
    }
    CHECK(valid > 256 && valid < (long)n * 200);
    free(copy);
}

TEST(json, survives_failing_memory) {
    for (long fail_at = 1;; fail_at++) {
        test_memory memory = {0, 0, fail_at};
        ft_allocator a = test_allocator(&memory);
        enum { MEMBERS = 1500 };
        char *text = (char *)malloc(MEMBERS * 16 + 2);
        size_t n = 0;
        for (int i = 0; i < MEMBERS; i++)
            n += (size_t)snprintf(text + n, 17, "%c\"k%d\":\"x\"", i ? ',' : '{', i);
        text[n++] = '}';
        ft__json *value;
        ft_error err;
        ft__arena_init(&arena, &a);
        ft_status status = ft__json_parse(text, n, "m", 1, &arena, &value, &err);
        CHECK((status == FT_OK) == (value != NULL));
        ft__buf out;
        ft__buf_init(&out, &a);
        if (value) {
            ft__json_writer w;
            ft__json_writer_init(&w, &out, 0);
            ft__json_value(&w, value);
            if (out.failed)
                status = FT_ERR_MEMORY;
            else
                CHECK(ft__text_equal(out.data, out.len, text, n));
        }
        bool valid = false, done = status == FT_OK;
        ft__buf_free(&out);
        ft__arena_free(&arena);
        if (done) {
            memory.requests = 0;
            memory.fail_at = 1;
            CHECK_INT(ft__json_valid("[]", 2, &a, &valid), FT_ERR_MEMORY);
        }
        free(text);
        CHECK_INT(memory.live, 0);
        if (done) break;
        CHECK_ERROR(status, FT_ERR_MEMORY, err, NULL);
        if (!CHECK(fail_at < 1000)) break;
    }
}

TEST(json, valid_says_yes_or_no) {
    bool valid = false;
    CHECK_INT(ft__json_valid("{\"a\": [1]}", 10, NULL, &valid), FT_OK);
    CHECK(valid);
    CHECK_INT(ft__json_valid("{\"a\": [1}", 9, NULL, &valid), FT_OK);
    CHECK(!valid);
    CHECK_INT(ft__json_valid("", 0, NULL, &valid), FT_OK);
    CHECK(!valid);
}

TEST(json, finds_members) {
    ft__arena_init(&arena, NULL);
    ft__json *v = parse("{\"a\": 1, \"b\": 2, \"a\": 3, \"ab\": 4, \"z\\u0000\": 5}");
    CHECK(ft__json_get(v, "a")->number == 3); /* the last of a repeated key */
    CHECK(ft__json_get(v, "b")->number == 2);
    CHECK(ft__json_get(v, "ab")->number == 4);
    CHECK(ft__json_get(v, "z") == NULL);
    CHECK(ft__json_get(v, "") == NULL);
    CHECK(ft__json_get(NULL, "a") == NULL);
    CHECK(ft__json_get(parse("[1]"), "a") == NULL);
    CHECK(ft__json_get(parse("\"a\""), "a") == NULL);

    v = parse(
        "{\"tags\": {\"lang\": \"de\", \"x.y\": 1, \"x\": {\"y\": 2, \"z\": 3}}, \"tags.n\": 7,"
        "\"tags.lang2\": {\"q\": 8}, \"s\": \"t\"}");
    CHECK_TEXT(ft__json_path(v, "tags.lang")->text, "de");
    CHECK(ft__json_path(v, "tags.x.y")->number == 1); /* the key with the dot wins */
    CHECK(ft__json_path(v, "tags.x.z")->number == 3);
    CHECK(ft__json_path(v, "tags.n")->number == 7);
    CHECK(ft__json_path(v, "tags.lang2.q")->number == 8);
    CHECK(ft__json_path(v, "tags.none") == NULL);
    CHECK(ft__json_path(v, "tags.") == NULL);
    CHECK(ft__json_path(v, ".tags") == NULL);
    CHECK(ft__json_path(v, "") == NULL);
    CHECK(ft__json_path(v, "s.t") == NULL);
    ft__arena_free(&arena);
}

TEST(json, names_types_and_integers) {
    ft__arena_init(&arena, NULL);
    CHECK_TEXT(ft__json_type_name(FT__JSON_NULL), "null");
    CHECK_TEXT(ft__json_type_name(FT__JSON_TRUE), "boolean");
    CHECK_TEXT(ft__json_type_name(FT__JSON_FALSE), "boolean");
    CHECK_TEXT(ft__json_type_name(FT__JSON_NUMBER), "number");
    CHECK_TEXT(ft__json_type_name(FT__JSON_STRING), "string");
    CHECK_TEXT(ft__json_type_name(FT__JSON_ARRAY), "array");
    CHECK_TEXT(ft__json_type_name(FT__JSON_OBJECT), "object");
    CHECK(ft__json_is_integer(parse("5"), 0, 10));
    CHECK(ft__json_is_integer(parse("5.0"), 5, 5));
    CHECK(ft__json_is_integer(parse("-3e2"), -300, 0));
    CHECK(ft__json_is_integer(parse("1e300"), 0, 1e301));
    CHECK(!ft__json_is_integer(parse("5.5"), 0, 10));
    CHECK(!ft__json_is_integer(parse("11"), 0, 10));
    CHECK(!ft__json_is_integer(parse("-1"), 0, 10));
    CHECK(!ft__json_is_integer(parse("\"5\""), 0, 10));
    CHECK(!ft__json_is_integer(parse("true"), 0, 10));
    CHECK(!ft__json_is_integer(NULL, 0, 10));
    ft__arena_free(&arena);
}

TEST(json, compares_values) {
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {
        {"1", "1.0", true},
        {"100", "1e2", true},
        {"0", "-0", true},
        {"1", "2", false},
        {"1", "\"1\"", false},
        {"1", "true", false},
        {"true", "true", true},
        {"true", "false", false},
        {"null", "null", true},
        {"null", "false", false},
        {"\"a\"", "\"\\u0061\"", true},
        {"\"a\"", "\"a\\u0000\"", false},
        {"\"a\"", "\"A\"", false},
        {"[1,2]", "[1,2]", true},
        {"[1,2]", "[2,1]", false},
        {"[1,2]", "[1]", false},
        {"[]", "{}", false},
        {"[]", "[]", true},
        {"{}", "{}", true},
        {"{\"a\":1,\"b\":[2]}", "{\"b\":[2.0],\"a\":1}", true},
        {"{\"a\":1,\"b\":2}", "{\"a\":1}", false},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"{\"a\":1}", "{\"a\":2}", false},
        {"{\"a\":9,\"a\":1}", "{\"a\":1}", true},
        {"{\"a\":1}", "{\"a\":1,\"a\":9}", false},
    };
    ft__arena_init(&arena, NULL);
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        ft__json *a = parse(rows[i].a), *b = parse(rows[i].b);
        if (!CHECK(ft__json_equal(a, b) == rows[i].equal) ||
            !CHECK(ft__json_equal(b, a) == rows[i].equal))
            test_note("%s and %s", rows[i].a, rows[i].b);
    }
    ft__arena_free(&arena);
}

TEST(json, writes) {
    ft__buf out;
    ft__json_writer w;
    for (int indent = 0; indent <= 2; indent += 2) {
        ft__buf_init(&out, NULL);
        ft__json_writer_init(&w, &out, indent);
        ft__json_begin(&w, '{');
        ft__json_key(&w, "name");
        ft__json_text(&w, "caf\xC3\xA9 \"x\"");
        ft__json_key(&w, "list");
        ft__json_begin(&w, '[');
        ft__json_number(&w, 0.1);
        ft__json_bool(&w, true);
        ft__json_bool(&w, false);
        ft__json_null(&w);
        ft__json_end(&w, ']');
        ft__json_key(&w, "e\n");
        ft__json_begin(&w, '{');
        ft__json_end(&w, '}');
        ft__json_end(&w, '}');
        CHECK_TEXT(out.data,
                   indent ? "{\n  \"name\": \"caf\xC3\xA9 \\\"x\\\"\",\n  \"list\": [\n    0.1,\n"
                            "    true,\n    false,\n    null\n  ],\n  \"e\\n\": {}\n}"
                          : "{\"name\":\"caf\xC3\xA9 \\\"x\\\"\",\"list\":[0.1,true,false,null],"
                            "\"e\\n\":{}}");
        ft__buf_free(&out);
    }
}

TEST(json, writes_strings) {
    static const struct {
        const char *text;
        size_t n;
        const char *expected;
    } rows[] = {
        {"", 0, "\"\""},
        {"a/b\x7F", 4, "\"a/b\x7F\""},
        {"\"\\\b\f\n\r\t", 7, "\"\\\"\\\\\\b\\f\\n\\r\\t\""},
        {"\0\x01\x1F", 3, "\"\\u0000\\u0001\\u001f\""},
        {"\xE2\x82\xAC\xF0\x9F\x98\x80", 7, "\"\xE2\x82\xAC\xF0\x9F\x98\x80\""},
        {"a\xFFz", 3, "\"a\xEF\xBF\xBDz\""},
        {"\xE2\x82", 2, "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"\xED\xA0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        ft__buf out;
        ft__json_writer w;
        ft__buf_init(&out, NULL);
        ft__json_writer_init(&w, &out, 0);
        ft__json_string(&w, rows[i].text, rows[i].n);
        CHECK_TEXT(out.data, rows[i].expected);
        ft__buf_free(&out);
    }
}

TEST(json, rewrites_values) {
    ft__arena_init(&arena, NULL);
    rewrites(" 5 ", 0, "5");
    rewrites("12345678901234567890", 0, "12345678901234567890");
    rewrites("[ 1.50 , {\"b\" : null, \"a\":[ ]} ]", 0, "[1.50,{\"b\":null,\"a\":[]}]");
    rewrites("{\"k\\u0000\": \"\\u00e9\", \"k\": true, \"k\": false}", 0,
             "{\"k\\u0000\":\"\xC3\xA9\",\"k\":true,\"k\":false}");
    rewrites("{\"a\":[1,2]}", 1, "{\n \"a\": [\n  1,\n  2\n ]\n}");
    ft__json by_hand;
    ft__buf out;
    ft__json_writer w;
    memset(&by_hand, 0, sizeof by_hand);
    by_hand.type = FT__JSON_NUMBER;
    by_hand.number = 0.25;
    ft__buf_init(&out, NULL);
    ft__json_writer_init(&w, &out, 0);
    ft__json_value(&w, &by_hand);
    CHECK_TEXT(out.data, "0.25");
    ft__buf_free(&out);
    ft__arena_free(&arena);
}

/* Many members must cost what many members cost, not their square. */
TEST(json, reads_wide_objects_in_linear_time) {
    enum { MEMBERS = 200000 };
    ft__buf text;
    ft__buf_init(&text, NULL);
    for (int i = 0; i < MEMBERS; i++) ft__buf_printf(&text, "%c\"key%d\":%d", i ? ',' : '{', i, i);
    ft__buf_byte(&text, '}');
    ft__arena_init(&arena, NULL);
    double start = ft__seconds();
    ft__json *v = parse_bytes(text.data, text.len);
    double took = ft__seconds() - start;
    CHECK_INT(v->count, MEMBERS);
    CHECK(ft__json_get(v, "key199999")->number == 199999);
    CHECK(took < 5); /* quadratic would be minutes */
    ft__arena_free(&arena);
    ft__buf_free(&text);
}

static bool suite_verdict(const char *folder, const char *name) {
    char path[600];
    size_t n;
    bool valid = false;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    char *text = test_read(path, &n);
    if (!CHECK(text != NULL)) return false;
    CHECK_INT(ft__json_valid(text, n, NULL, &valid), FT_OK);
    free(text);
    return valid;
}

/* JSONTestSuite: y_ must parse, n_ must not, i_ is ours to choose and is listed. */
TEST(json, agrees_with_the_test_suite) {
    const char *folder = test_shared("json-parsing/test_parsing");
    if (!folder) SKIP("no ../shared");
    DIR *d = opendir(folder);
    if (!CHECK(d != NULL)) return;
    int y = 0, n = 0, i = 0;
    ft__buf accepted;
    ft__buf_init(&accepted, NULL);
    for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
        const char *name = entry->d_name;
        if (name[0] == '.' || name[1] != '_') continue;
        bool valid = suite_verdict(folder, name);
        if (name[0] == 'i') {
            i++;
            if (valid) ft__buf_printf(&accepted, " %.*s", (int)strcspn(name, "."), name);
            continue;
        }
        name[0] == 'y' ? y++ : n++;
        if (!CHECK(valid == (name[0] == 'y'))) test_note("%s", name);
    }
    closedir(d);
    CHECK(y > 0 && n > 0);
    test_note("%d y_, %d n_, %d i_, of which accepted:%s", y, n, i,
              accepted.data ? accepted.data : " none");
    ft__buf_free(&accepted);
}
