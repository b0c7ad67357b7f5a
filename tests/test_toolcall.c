/* Tool calls in texts, and what they are worth. */
#include "../src/eval/eval.h"
#include "test.h"

/* The calls of a text: f{"a":1} g{}; ? for arguments that could not be read.  Static. */
static const char *calls_of(const char *text, size_t n) {
    static char spelled[2000];
    ft_allocator a = ft__allocator(NULL);
    ft__view view = {text, n};
    ft__tool_calls calls;
    ft__arena arena;
    ft__buf out;
    ft__json_writer w;
    ft__arena_init(&arena, &a);
    ft__buf_init(&out, &a);
    CHECK(ft__tool_calls_read(view, &arena, &calls));
    for (size_t i = 0; i < calls.n; i++) {
        if (i) ft__buf_byte(&out, ' ');
        ft__buf_add(&out, calls.items[i].name.text, calls.items[i].name.n);
        ft__json_writer_init(&w, &out, 0);
        if (calls.items[i].arguments)
            ft__json_value(&w, calls.items[i].arguments);
        else
            ft__buf_byte(&out, '?');
        CHECK(calls.items[i].begin <= calls.items[i].end && calls.items[i].end <= n);
    }
    snprintf(spelled, sizeof spelled, "%.*s", (int)out.len, out.data ? out.data : "");
    ft__buf_free(&out);
    ft__arena_free(&arena);
    return spelled;
}

static const char *calls(const char *text) { return calls_of(text, strlen(text)); }

static ft_score judge(const char *name, const char *params, const char *row_json,
                      const char *output) {
    ft_error err = {FT_OK, "", ""};
    ft_score s;
    memset(&s, 0, sizeof s);
    ft_evaluator *e = ft_evaluator_create(name, params, NULL, &err);
    ft_row *row = ft_row_parse(row_json, strlen(row_json), NULL, &err);
    if (CHECK(e && row))
        CHECK_OK(ft_evaluate(e, row, output, strlen(output), &s, &err), err);
    else
        test_note("%s", err.message);
    ft_row_free(row);
    ft_evaluator_free(e);
    return s;
}

/* -1: not scored. */
static double value(const char *name, const char *row, const char *output) {
    ft_score s = judge(name, NULL, row, output);
    return s.state == FT_SCORED ? s.value : -1;
}

/* ---- reading */

TEST(toolcall, json) {
    CHECK_TEXT(calls("{\"name\": \"f\", \"arguments\": {\"a\": [1, 2.50, null]}}"),
               "f{\"a\":[1,2.50,null]}");
    CHECK_TEXT(calls("Sure! {\"name\": \"f\", \"parameters\": {}} Done."), "f{}");
    CHECK_TEXT(calls("[{\"name\":\"f\",\"arguments\":{}},{\"name\":\"g\",\"args\":{\"b\":true}}]"),
               "f{} g{\"b\":true}");
    CHECK_TEXT(calls("{\"name\":\"f\",\"arguments\":{}}\n{\"name\":\"g\",\"arguments\":{}}"),
               "f{} g{}");
    CHECK_TEXT(
        calls("{\"content\": null, \"tool_calls\": [{\"id\": \"1\", \"type\": \"function\","
              "\"function\": {\"name\": \"f\", \"arguments\": \"{\\\"a\\\": \\\"x\\\\n\\\"}\"}},"
              "{\"type\": \"function\", \"function\": {\"name\": \"g\"}}]}"),
        "f{\"a\":\"x\\n\"} g{}");
    CHECK_TEXT(calls("{\"function_call\": {\"name\": \"f\", \"arguments\": \"\"}}"), "f{}");
    CHECK_TEXT(calls("{\"function\": \"f\", \"arguments\": {\"a\": 1}}"), "f{\"a\":1}");
    CHECK_TEXT(calls("```json\n{\"tool\": \"f\", \"input\": {\"a\": 1}}\n```"), "f{\"a\":1}");
    CHECK_TEXT(calls("{'name': 'f', 'arguments': {'a': True, 'b': None,}}"),
               "f{\"a\":true,\"b\":null}");
}

TEST(toolcall, what_is_no_call) {
    static const char *const texts[] = {
        "",
        "no call",
        "{\"name\": \"Ann\", \"age\": 3}",
        "[1, 2, 3]",
        "[]",
        "{}",
        "[[[",
        "f(x) is even",
        "f(x)",
        "See f(1) for more.",
        "Note (see below)",
        "{\"name\": 3, \"arguments\": {}}",
        "{\"name\": \"\", \"arguments\": {}}",
        "{\"name\": \"f\", \"arguments\": {}",
        "print(1)",
        "[link](http://x)",
        "<tool_call>",
        "<tool_call></tool_call>",
        "Use <tool_call> tags.",
        "```python\nx = 3\nf(a=1)\n```",
        "```python\nlen('x')\n```",
        "if (true)\n",
        "<function=>",
        "<function=f",
        "[TOOL_CALLS]",
        "[TOOL_CALLS]f",
        "<|python_tag|>import x",
        "f(a=1) + 2",
        "<think>\nf(a=1)\n",
        "<think>\n{\"name\": \"f\", \"arguments\": {}}\n</think>\nNo.",
        "f(a=b)",
        "{\"a\": 1e999, \"name\": \"f\", \"arguments\": {}}",
        "f(a==1)",
        "[f(a=1)",
        "body{color: red}",
        "f{\"a\": 1}.",
        "{\"a\": 1}"};
    for (size_t i = 0; i < FT__COUNT(texts); i++)
        if (!CHECK_TEXT(calls(texts[i]), "")) test_note("%s", texts[i]);
}

TEST(toolcall, arguments_that_are_no_object_cannot_be_read) {
    CHECK_TEXT(calls("{\"name\": \"f\", \"arguments\": [1]}"), "f?");
    CHECK_TEXT(calls("{\"name\": \"f\", \"arguments\": \"Oslo\"}"), "f?");
    CHECK_TEXT(calls("{\"name\": \"f\", \"arguments\": null}"), "f{}");
    CHECK_TEXT(calls("<function=f><parameter=a>1"), "f?");
    CHECK_TEXT(calls("<function=f>{\"a\": </function>"), "f?");
}

TEST(toolcall, tags) {
    CHECK_TEXT(calls("<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>\n"
                     "<tool_call>{\"name\": \"g\"}</tool_call>"),
               "f{\"a\":1} g{}");
    CHECK_TEXT(
        calls("<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>x y</arg_value>\n"
              "<arg_key>b</arg_key><arg_value>2</arg_value></tool_call> <tool_call>g</tool_call>"),
        "f{\"a\":\"x y\",\"b\":\"2\"} g{}");
    CHECK_TEXT(calls("<tool_call>\n<function=f>\n<parameter=a>\nx\ny\n</parameter>\n<parameter=b>\n"
                     "</parameter>\n</function>\n</tool_call>"),
               "f{\"a\":\"x\\ny\",\"b\":\"\"}");
    CHECK_TEXT(calls("<function=f>{\"a\": 1}</function><function=g></function>"), "f{\"a\":1} g{}");
    CHECK_TEXT(calls("<invoke name=\"f\"><parameter name=\"a\">1</parameter></invoke>"),
               "f{\"a\":\"1\"}");
    CHECK_TEXT(calls("<|python_tag|>{\"name\": \"f\", \"parameters\": {}}; {\"name\": \"g\", "
                     "\"parameters\": {\"a\": \"b\"}}<|eom_id|>"),
               "f{} g{\"a\":\"b\"}");
    CHECK_TEXT(calls("<|python_tag|>brave_search.call(query=\"x\")"),
               "brave_search.call{\"query\":\"x\"}");
    CHECK_TEXT(calls("[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {}}, {\"name\": \"g\"}]"),
               "f{} g{}");
    CHECK_TEXT(calls("[TOOL_CALLS]f{\"a\": 1}[TOOL_CALLS]g[CALL_ID]9x8[ARGS]{}</s>"),
               "f{\"a\":1} g{}");
}

TEST(toolcall, python) {
    CHECK_TEXT(calls("[f(a=1, b=\"x\"), g()]"), "f{\"a\":1,\"b\":\"x\"} g{}");
    CHECK_TEXT(calls("I will do [m.f(a=-1.5, b=[1, (2, 3)], c={'d': {}})] now."),
               "m.f{\"a\":-1.5,\"b\":[1,[2,3]],\"c\":{\"d\":{}}}");
    CHECK_TEXT(calls("f(a=True, b=False, c=None, d=(1), e=(), f=(1,))"),
               "f{\"a\":true,\"b\":false,\"c\":null,\"d\":1,\"e\":[],\"f\":[1]}");
    CHECK_TEXT(calls("f(a='it\\'s', b=\"\"\"two\n\"lines\" \"\"\", c='''x''', d='')"),
               "f{\"a\":\"it's\",\"b\":\"two\\n\\\"lines\\\" \",\"c\":\"x\",\"d\":\"\"}");
    CHECK_TEXT(calls("f(\n  a = 1_000,\n  b = .5,\n  c = +2e3,\n)"),
               "f{\"a\":1000,\"b\":0.5,\"c\":2e3}");
    CHECK_TEXT(calls("get_weather(\"Oslo\", days=2)"), "get_weather{\"0\":\"Oslo\",\"days\":2}");
    CHECK_TEXT(calls("First this.\nf(a=1)\nThen that:\n  g();\nEnd."), "f{\"a\":1} g{}");
    CHECK_TEXT(calls("f{\"a\": 1}\ng[ARGS]{}\nh {\"b\": 2}\n"), "f{\"a\":1}");
    CHECK_TEXT(calls("```python\nf(a=1)\n\ng(b=2)\n```"), "f{\"a\":1} g{\"b\":2}");
    CHECK_TEXT(calls("```tool_code\nprint(api.f(a='x'))\ng('y')\n```\nf(z=1)"),
               "api.f{\"a\":\"x\"} g{\"0\":\"y\"} f{\"z\":1}");
    CHECK_TEXT(calls("get-weather(city=\"Z\xC3\xBCrich\", x=\"\\u00e9\\x41\\U0001F600\\q\")"),
               "get-weather{\"city\":\"Z\xC3\xBCrich\",\"x\":\"\xC3\xA9"
               "A\xF0\x9F\x98\x80\\\\q\"}");
    CHECK_TEXT(calls("f(a=\"\\ud83d\\ude00 \\ud83d\")"),
               "f{\"a\":\"\xF0\x9F\x98\x80 \xEF\xBF\xBD\"}");
}

TEST(toolcall, thoughts_are_no_calls) {
    CHECK_TEXT(calls("<think>\nmaybe f(a=1)?\ng()\n</think>\nf(a=2)"), "f{\"a\":2}");
    CHECK_TEXT(calls("or g()\ng()\n</think>f(a=2)"), "f{\"a\":2}");
}

TEST(toolcall, odd_bytes) {
    CHECK_TEXT(calls_of("f(a=\"\xFF\")", 8), "f{\"a\":\"\xEF\xBF\xBD\"}");
    CHECK_TEXT(calls_of("\0{\"name\": \"f\", \"arguments\": {}}\0", 33), "f{}");
    CHECK_TEXT(calls_of("<tool_call>\0f(a=1)", 18), "");
}

/* What fails late, again and again, must not cost the square of its length. */
TEST(toolcall, hostile_texts_take_linear_time) {
    static const char *const units[] = {"[",
                                        "{\"a\":",
                                        "[\"[",
                                        "f(",
                                        "<tool_call>",
                                        "<function=f>",
                                        "<function=f><parameter=b>",
                                        "[TOOL_CALLS]a",
                                        "[1,",
                                        "```",
                                        "```\nf()\n",
                                        "f(a=[\n",
                                        "<think>",
                                        "{'",
                                        "['[\",\"[',",
                                        "f(a='''",
                                        "<tool_call>a<arg_key>",
                                        "[TOOL_CALLS]a[CALL_ID]b",
                                        "\"\"\"[",
                                        "print(",
                                        "[f(),",
                                        "</",
                                        "((",
                                        "<tool_call>[{},"};
    enum { N = 400000 };
    char *text = (char *)malloc(N);
    double start = ft__seconds();
    for (size_t k = 0; k < FT__COUNT(units); k++) {
        double before = ft__seconds();
        for (size_t i = 0, n = strlen(units[k]); i < N; i++) text[i] = units[k][i % n];
        calls_of(text, N);
        double took = ft__seconds() - before;
        if (took > 2) test_note("%s took %.1f s", units[k], took);
    }
    free(text);
    CHECK(ft__seconds() - start < 20);
}

/* ---- comparing */

#define ONE(arguments) "{\"expected_tools\": [{\"name\": \"f\", \"arguments\": " arguments "}]}"

TEST(toolcall, values) {
    CHECK_NEAR(value("tool_call", ONE("{\"a\": \"New York\"}"), "f(a='new-york')"), 1, 0);
    CHECK_NEAR(value("tool_call", ONE("{\"a\": \"New York\"}"), "f(a='York')"), 0, 0);
    CHECK_NEAR(
        value("tool_call", ONE("{\"a\": \"\xC3\x89t\xC3\xA9\"}"), "f(a='\xC3\xA9T\xC3\xA9')"), 1,
        0);
    CHECK_NEAR(value("tool_call", ONE("{\"a\": 5}"), "f(a=5.0)"), 1, 0);
    CHECK_NEAR(value("tool_call", ONE("{\"a\": 5}"), "f(a='5')"), 0, 0);
    CHECK_NEAR(value("tool_call", ONE("{\"a\": 1}"), "f(a=True)"), 0, 0);
    CHECK_NEAR(value("tool_call", ONE("{\"a\": null}"), "f(a=None)"), 1, 0);
    CHECK_NEAR(value("tool_call", ONE("{\"a\": {\"b\": [1, 2], \"c\": \"x\"}}"),
                     "f(a={'c': 'X', 'b': 2})"),
               1, 0);
    CHECK_NEAR(value("tool_call", ONE("{\"a\": {\"b\": 1}}"), "f(a={'b': 1, 'c': 2})"), 0, 0);
    CHECK_NEAR(value("tool_call", ONE("{}"), "f()"), 1, 0);
    CHECK_NEAR(value("tool_call", ONE("{}"), "f(a=1)"), 0, 0);
    CHECK_NEAR(value("tool_call", "{\"expected_tools\": [{\"name\": \"f\"}]}", "f(a=1)"), 1, 0);
    CHECK_NEAR(
        judge("tool_call", "{\"texts\": \"exact\"}", ONE("{\"a\": \"A-1\"}"), "f(a='a1')").value, 0,
        0);
    CHECK_NEAR(
        judge("tool_call", "{\"texts\": \"exact\"}", ONE("{\"a\": \"A-1\"}"), "f(a='A-1')").value,
        1, 0);
}

TEST(toolcall, allowed_values) {
    CHECK_NEAR(value("tool_call", ONE("{\"a\": [\"x\", 2]}"), "f(a=2)"), 1, 0);
    CHECK_NEAR(value("tool_call", ONE("{\"a\": [\"x\", 2]}"), "f(a='X')"), 1, 0);
    CHECK_NEAR(value("tool_call", ONE("{\"a\": [\"x\", 2]}"), "f(a=['x', 2])"), 1, 0);
    CHECK_NEAR(value("tool_call", ONE("{\"a\": [\"x\", 2]}"), "f(a=[2, 'x'])"), 0, 0);
    CHECK_NEAR(value("tool_call", ONE("{\"a\": [\"x\", 2]}"), "f()"), 0, 0);
    CHECK_NEAR(value("tool_call", ONE("{\"a\": [\"x\", \"\"]}"), "f()"), 1, 0);
    CHECK_NEAR(value("tool_call", ONE("{\"a\": [[1, 2], [2, 1]]}"), "f(a=(2, 1))"), 1, 0);
    CHECK_NEAR(value("tool_call", ONE("{\"a\": []}"), "f(a=[])"), 1, 0);
}

/* The description of a tool tells a list from a list of alternatives. */
TEST(toolcall, arrays_in_the_description) {
    static const char row[] =
        "{\"expected_tools\": [{\"name\": \"f\", \"arguments\": {\"a\": [1, 2], \"b\": [[3], "
        "[4]]}}],"
        "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": "
        "{\"properties\": {\"a\": {\"type\": \"array\"}, \"b\": {\"type\": \"array\"}}}}}]}";
    CHECK_NEAR(value("tool_call", row, "f(a=[1, 2], b=[4])"), 1, 0);
    CHECK_NEAR(value("tool_call", row, "f(a=1, b=[4])"), 0, 0);
    CHECK_NEAR(value("tool_call", row, "f(a=[1, 2], b=[5])"), 0, 0);
}

TEST(toolcall, xml_values_take_the_expected_type) {
    CHECK_NEAR(
        value("tool_call", ONE("{\"a\": 5, \"b\": [true], \"c\": \"7\", \"d\": {\"e\": 1}}"),
              "<function=f><parameter=a>5</parameter><parameter=b>true</parameter>"
              "<parameter=c>7</parameter><parameter=d>\n{\"e\": 1}\n</parameter></function>"),
        1, 0);
    CHECK_NEAR(
        value("tool_call", ONE("{\"a\": 5}"), "<function=f><parameter=a>6</parameter></function>"),
        0, 0);
    CHECK_NEAR(value("tool_call", ONE("{\"a\": 5}"),
                     "<function=f><parameter=a>x y</parameter></function>"),
               0, 0);
}

/* Greedy pairing would give the first expected call the only one that fits the second. */
TEST(toolcall, pairs_are_the_best_ones) {
    static const char row[] =
        "{\"expected_tools\": [{\"name\": \"f\", \"arguments\": {\"a\": [1, 2]}}, "
        "{\"name\": \"f\", \"arguments\": {\"a\": [1, 3]}}]}";
    CHECK_NEAR(value("tool_call", row, "[f(a=1), f(a=2)]"), 1, 0);
    CHECK_NEAR(value("tool_call", row, "[f(a=3), f(a=1)]"), 1, 0);
    CHECK_NEAR(value("tool_call", row, "[f(a=2), f(a=2)]"), 0, 0);
    CHECK_NEAR(judge("tool_call", "{\"ordered\": true}", row, "[f(a=3), f(a=1)]").value, 0, 0);
    CHECK_NEAR(judge("tool_call", "{\"ordered\": true}", row, "[f(a=1), f(a=3)]").value, 1, 0);
}

TEST(toolcall, repeated_calls_count) {
    static const char row[] = "{\"expected_tools\": [\"f\", \"f\", \"g\"]}";
    CHECK_NEAR(value("tool_call", row, "[f(), g(), f()]"), 1, 0);
    CHECK_NEAR(value("tool_call", row, "[f(), g()]"), 0, 0);
    CHECK_NEAR(value("tool_selection", row, "[f(), g()]"), 0.8, 1e-15);
    CHECK_NEAR(value("tool_selection", row, "[f(), g(), g()]"), 2.0 / 3, 1e-15);
}

/* No call where one is wanted is worth nothing, and neither is one where none is. */
TEST(toolcall, none_and_none) {
    static const char *const names[] = {"tool_call", "tool_call_partial", "tool_selection",
                                        "tool_relevance", "tool_args"};
    for (size_t i = 0; i < FT__COUNT(names); i++) {
        CHECK_NEAR(value(names[i], "{\"expected_tools\": [\"f\"]}", "I cannot."), 0, 0);
        CHECK_NEAR(value(names[i], "{\"expected_tools\": [\"f\"]}", ""), 0, 0);
        CHECK_NEAR(value(names[i], "{\"expected_tools\": []}", "f()"), 0, 0);
        ft_score s = judge(names[i], NULL, "{\"expected_tools\": []}", "Hello.");
        CHECK_INT(s.state, i == 4 ? FT_NOT_APPLICABLE : FT_SCORED);
        CHECK_NEAR(s.value, i == 4 ? 0 : 1, 0);
    }
    CHECK_NEAR(value("tool_relevance", "{\"expected_tools\": [\"f\"]}", "[g(a=1)]"), 1, 0);
}

TEST(toolcall, partial_credit) {
    static const char row[] =
        "{\"expected_tools\": [{\"name\": \"f\", \"arguments\": {\"a\": 1, \"b\": 2}},"
        " {\"name\": \"g\", \"arguments\": {}}]}";
    CHECK_NEAR(value("tool_call_partial", row, "[f(a=1, b=2), g()]"), 1, 0);
    CHECK_NEAR(value("tool_call_partial", row, "[f(a=1), g()]"), (2 * (0.75 + 1)) / 4, 1e-15);
    CHECK_NEAR(value("tool_call_partial", row, "[f(a=1, b=2, c=3)]"),
               2 * (0.5 + 0.5 * (2.0 / 3)) / 3, 1e-15);
    CHECK_NEAR(value("tool_call_partial", row, "[f(a=1, b=2), g(), h()]"), 0.8, 1e-15);
    CHECK_NEAR(value("tool_call_partial", row, "[g(), f(a=1, b=2)]"), 1, 0);
    CHECK_NEAR(judge("tool_call_partial", "{\"ordered\": true}", row, "[g(), f(a=1, b=2)]").value,
               0.5, 0);
    CHECK_NEAR(value("tool_call_partial", row, "{\"name\": \"f\", \"arguments\": 3}"), 1.0 / 3,
               1e-15);
    CHECK_NEAR(value("tool_args", row, "[f(a=1), g()]"), 0.75, 1e-15);
    CHECK_NEAR(value("tool_args", row, "[h()]"), 0, 0);
}

TEST(toolcall, invented_tools_are_wrong) {
    static const char row[] = "{\"expected_tools\": [\"f\"], \"tools\": [{\"name\": \"f\"}]}";
    CHECK_NEAR(value("tool_selection", row, "[f(), h()]"), 2.0 / 3, 1e-15);
    CHECK_TEXT(judge("tool_call", NULL, row, "[f(), h()]").detail, "the row has no tool \"h\"");
    CHECK_NEAR(value("tool_call", "{\"expected_tools\": [\"f\"], \"tools\": [\"g\"]}", "f()"), -1,
               0);
}

TEST(toolcall, rows_that_are_wrong) {
    static const char *const rows[] = {
        "{}",
        "{\"expected_tools\": null}",
        "{\"expected_tools\": {}}",
        "{\"expected_tools\": [3]}",
        "{\"expected_tools\": [{\"arguments\": {}}]}",
        "{\"expected_tools\": [\"\"]}",
        "{\"expected_tools\": [{\"name\": \"f\", \"arguments\": [1]}]}",
        "{\"expected_tools\": [], \"tools\": {}}"};
    for (size_t i = 0; i < FT__COUNT(rows); i++)
        CHECK_NEAR(value("tool_call", rows[i], "[f(a=1)]"), -1, 0);
}

TEST(toolcall, details_and_spans) {
    CHECK_TEXT(judge("tool_call", NULL, ONE("{\"a\": 1}"), "No.").detail, "no call, expected f");
    CHECK_TEXT(judge("tool_call", NULL, "{\"expected_tools\": []}", "f()").detail,
               "no call is wanted, found f");
    CHECK_TEXT(judge("tool_call", NULL, ONE("{\"a\": 1}"), "[f(a=1), f(a=1)]").detail,
               "expected 1 call, found 2");
    CHECK_TEXT(judge("tool_call", NULL, ONE("{\"a\": 1}"), "g(a=1)").detail, "no call of f");
    CHECK_TEXT(judge("tool_call", NULL, ONE("{\"a\": 1}"), "f()").detail,
               "f: argument \"a\" is missing");
    CHECK_TEXT(judge("tool_call", NULL, ONE("{\"a\": 1}"), "f(a=1, b=2)").detail,
               "f: argument \"b\" is not expected");
    ft_score s = judge("tool_call", NULL, ONE("{\"a\": 1}"), "so: [f(a=2)]");
    CHECK_TEXT(s.detail, "f: argument \"a\" is wrong");
    CHECK_INT(s.n_spans, 1);
    CHECK_INT(s.spans[0].begin, 4);
    CHECK_INT(s.spans[0].end, 12);
}

TEST(toolcall, more_calls_than_can_be_paired) {
    enum { CALLS = 300 };
    char row[20 * CALLS + 100] = "{\"expected_tools\": [\"f\"", output[5 * CALLS + 10] = "[f()";
    for (int i = 1; i < CALLS; i++) {
        strcat(row, ",\"f\"");
        strcat(output, ",f()");
    }
    strcat(row, "]}");
    strcat(output, "]");
    CHECK_NEAR(value("tool_call", row, output), -1, 0);
    CHECK_NEAR(value("tool_call", "{\"expected_tools\": [\"f\"]}", output), 0, 0);
    CHECK_NEAR(value("tool_selection", "{\"expected_tools\": [\"f\"]}", output), 2.0 / (CALLS + 1),
               1e-15);
}

/* ---- pairing, against all permutations */

static double best_of_all(const double *w, int n, int m, int row, unsigned taken) {
    if (row == n) return 0;
    double best = best_of_all(w, n, m, row + 1, taken);
    for (int j = 0; j < m; j++) {
        if (taken >> j & 1) continue;
        double sum = w[row * m + j] + best_of_all(w, n, m, row + 1, taken | 1u << j);
        if (sum > best) best = sum;
    }
    return best;
}

static double best_in_order(const double *w, int n, int m, int row, int column) {
    if (row == n || column == m) return 0;
    double down = best_in_order(w, n, m, row + 1, column);
    double right = best_in_order(w, n, m, row, column + 1);
    double both = w[row * m + column] + best_in_order(w, n, m, row + 1, column + 1);
    if (both < down) both = down;
    return both < right ? right : both;
}

TEST(toolcall, pairing_is_optimal) {
    ft_allocator a = ft__allocator(NULL);
    for (uint32_t seed = 0; seed < 400; seed++) {
        double w[36];
        int pair[6], n = 1 + (int)(seed % 6), m = 1 + (int)(seed / 6 % 6);
        ft__arena arena;
        ft__arena_init(&arena, &a);
        for (int i = 0; i < n * m; i++) {
            double u = ft__random_unit(5, seed, 0, (uint32_t)i);
            w[i] = u < 0.3 ? 0 : seed % 3 ? (double)(int)(u * 4) / 4 : u;
        }
        CHECK(ft__pair_best(w, (size_t)n, (size_t)m, false, &arena, pair));
        double sum = 0;
        unsigned taken = 0;
        for (int i = 0; i < n; i++) {
            if (pair[i] < 0) continue;
            CHECK(!(taken >> pair[i] & 1));
            taken |= 1u << pair[i];
            sum += w[i * m + pair[i]];
        }
        CHECK_NEAR(sum, best_of_all(w, n, m, 0, 0), 1e-12);
        CHECK(ft__pair_best(w, (size_t)n, (size_t)m, true, &arena, pair));
        sum = 0;
        for (int i = 0, last = -1; i < n; i++) {
            CHECK(pair[i] < 0 || pair[i] > last);
            if (pair[i] < 0) continue;
            last = pair[i];
            sum += w[i * m + pair[i]];
        }
        CHECK_NEAR(sum, best_in_order(w, n, m, 0, 0), 1e-12);
        ft__arena_free(&arena);
    }
}
