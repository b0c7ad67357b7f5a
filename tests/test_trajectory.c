/* Steps against expected steps, and checklists. */
#include "../src/eval/eval.h"
#include "test.h"

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
static double value(const char *name, const char *params, const char *row, const char *output) {
    ft_score s = judge(name, params, row, output);
    return s.state == FT_SCORED ? s.value : -1;
}

static const char abc[] = "{\"expected_tools\": [\"a\", \"b\", \"c\"]}";

TEST(trajectory, modes) {
    static const char *const outputs[] = {
        "[a(), b(), c()]",      "[c(), b(), a()]", "[a(), c()]",           "[a(), b(), x(), c()]",
        "[c(), a(), x(), b()]", "[x()]",           "[a(), a(), b(), c()]", "none"};
    static const struct {
        const char *params;
        int values[8];
    } modes[] = {{"{\"mode\": \"strict\"}", {1, 0, 0, 0, 0, 0, 0, 0}},
                 {"{\"mode\": \"unordered\"}", {1, 1, 0, 0, 0, 0, 0, 0}},
                 {"{\"mode\": \"subset\"}", {1, 1, 1, 0, 0, 0, 0, 0}},
                 {"{\"mode\": \"superset\"}", {1, 1, 0, 1, 1, 0, 1, 0}},
                 {"{\"mode\": \"in_order\"}", {1, 0, 0, 1, 0, 0, 1, 0}}};
    for (size_t k = 0; k < FT__COUNT(modes); k++) {
        for (size_t i = 0; i < 8; i++)
            if (!CHECK_NEAR(value("trajectory", modes[k].params, abc, outputs[i]),
                            modes[k].values[i], 0))
                test_note("%s %s", modes[k].params, outputs[i]);
        CHECK_NEAR(value("trajectory", modes[k].params, "{\"expected_tools\": []}", "Hi"), 1, 0);
        CHECK_NEAR(value("trajectory", modes[k].params, "{\"expected_tools\": []}", "a()"), 0, 0);
    }
}

TEST(trajectory, names_in_a_list) {
    CHECK_NEAR(value("trajectory", NULL, abc, "[\"a\", \"b\", \"c\"]"), 1, 0);
    CHECK_NEAR(value("trajectory", NULL, abc, "Steps:\n```json\n[\"a\", \"b\", \"c\"]\n```"), 1, 0);
    CHECK_NEAR(value("trajectory", NULL, abc, "[\"a\", \"b\", 3]"), 0, 0);
    CHECK_NEAR(value("trajectory", "{\"field\": \"steps\"}", "{\"steps\": [\"a\"]}", "[\"a\"]"), 1,
               0);
    CHECK_NEAR(value("trajectory", "{\"field\": \"steps\"}", abc, "[\"a\"]"), -1, 0);
    CHECK_NEAR(value("trajectory", NULL, "{\"expected_tools\": \"a\"}", "[\"a\"]"), -1, 0);
    CHECK_NEAR(
        value("trajectory", NULL, "{\"expected_tools\": [\"a\"], \"tools\": [\"b\"]}", "[\"a\"]"),
        -1, 0);
}

TEST(trajectory, arguments) {
    static const char row[] =
        "{\"expected_tools\": [{\"name\": \"a\", \"arguments\": {\"x\": [1, 2]}}]}";
    CHECK_NEAR(value("trajectory", NULL, row, "[a(x=3)]"), 1, 0);
    CHECK_NEAR(value("trajectory", "{\"arguments\": true}", row, "[a(x=3)]"), 0, 0);
    CHECK_NEAR(value("trajectory", "{\"arguments\": true}", row, "[a(x=2)]"), 1, 0);
}

TEST(trajectory, edit) {
    CHECK_NEAR(value("trajectory_edit", NULL, abc, "[a(), b(), c()]"), 1, 0);
    CHECK_NEAR(value("trajectory_edit", NULL, abc, "[a(), c()]"), 2.0 / 3, 1e-15);
    CHECK_NEAR(value("trajectory_edit", NULL, abc, "[c(), b(), a()]"), 1.0 / 3, 1e-15);
    CHECK_NEAR(value("trajectory_edit", NULL, abc, "[x(), a(), b(), x(), c()]"), 0.6, 1e-15);
    CHECK_NEAR(value("trajectory_edit", NULL, abc, "[x(), y(), z(), x()]"), 0, 0);
    CHECK_NEAR(value("trajectory_edit", NULL, abc, ""), 0, 0);
}

TEST(trajectory, efficiency_and_score) {
    CHECK_NEAR(value("step_efficiency", NULL, abc, "[c(), a(), b()]"), 1, 0);
    CHECK_NEAR(value("step_efficiency", NULL, abc, "[a(), x(), b(), b(), c(), x()]"), 0.5, 0);
    CHECK_NEAR(value("step_efficiency", NULL, abc, "[a(), b()]"), 0, 0);
    CHECK_NEAR(value("trajectory_score", NULL, abc, "[a(), b(), c()]"), 1, 0);
    CHECK_NEAR(value("trajectory_score", NULL, abc, "[a(), b()]"), (1 + 2.0 / 3 + 1 + 0) / 4,
               1e-15);
    CHECK_NEAR(value("trajectory_score", NULL, abc, "[c(), b(), a(), x()]"),
               (0.75 + 1 + 1.0 / 3 + 0.75) / 4, 1e-15);
    CHECK_NEAR(value("trajectory_score", NULL, abc, "[x(), y()]"), 0, 0);
    CHECK_NEAR(value("trajectory_score", NULL, abc, "I did it."), 0, 0);
}

TEST(trajectory, loops) {
    CHECK_NEAR(value("trajectory_loops", NULL, "{}", "No step."), 0, 0);
    CHECK_NEAR(value("trajectory_loops", NULL, "{}", "[a(x=1), a(x=2), b(x=1)]"), 0, 0);
    CHECK_NEAR(value("trajectory_loops", NULL, "{}", "[a(x=1), b(), a(x=1), a(x=1)]"), 0.5, 0);
    CHECK_NEAR(value("trajectory_loops", NULL, "{}",
                     "[a(x={'p': 1, 'q': ['r']}), a(x={'q': ['r'], 'p': 1.0})]"),
               0.5, 0);
    CHECK_NEAR(value("trajectory_loops", NULL, "{}", "[a(x='1'), a(x=1), a(x=[1]), a(x=True)]"), 0,
               0);
    CHECK_NEAR(value("trajectory_loops", NULL, "{}", "[a(x=[]), a(x=None), a(x={}), a(y=[])]"), 0,
               0);
    CHECK_NEAR(value("trajectory_loops", NULL, "{}", "[\"a\", \"b\", \"a\"]"), 1.0 / 3, 1e-15);
    ft_score s = judge("trajectory_loops", NULL, "{}", "a()\na()");
    CHECK_TEXT(s.detail, "step 2, a, repeats an earlier one");
    CHECK(!s.pass);
    CHECK_INT(s.n_spans, 1);
    CHECK_INT(s.spans[0].begin, 4);
}

TEST(trajectory, details) {
    CHECK_TEXT(judge("trajectory", NULL, abc, "[a(), c()]").detail, "step 2 of 3, b, is missing");
    CHECK_TEXT(judge("trajectory", NULL, abc, "[a(), b(), c(), x()]").detail,
               "step 4 of the output, x, is not expected");
    CHECK_TEXT(judge("trajectory", NULL, abc, "[a(), c(), b()]").detail,
               "the steps are in another order");
    CHECK_TEXT(judge("trajectory", NULL, abc, "none").detail, "step 1 of 3, a, is missing");
}

/* ---- task_completion */

#define LIST(items) "{\"checklist\": [" items "]}"

static double task(const char *row, const char *output) {
    return value("task_completion", NULL, row, output);
}

TEST(trajectory, checklist_items) {
    CHECK_NEAR(task(LIST("\"Two  words\""), "here: two\n WORDS."), 1, 0);
    CHECK_NEAR(task(LIST("\"\xC3\x84\""), "\xC3\xA4"), 1, 0);
    CHECK_NEAR(task(LIST("\"a b\""), "\xC3\xA9 A\x1C\x0B B"), 1, 0);
    CHECK_NEAR(task(LIST("\"a b\""), "A\x1C\x0B B"), 1, 0);
    CHECK_NEAR(task(LIST("{\"contains\": \"x\"}"), "y"), 0, 0);
    CHECK_NEAR(task(LIST("{\"any\": [\"x\", \"y\"]}"), "y"), 1, 0);
    CHECK_NEAR(task(LIST("{\"any\": [\"x\", \"y\"]}"), "z"), 0, 0);
    CHECK_NEAR(task(LIST("{\"not\": \"x\"}"), "y"), 1, 0);
    CHECK_NEAR(task(LIST("{\"not\": \"x\"}"), "X"), 0, 0);
    CHECK_NEAR(task(LIST("{\"not\": \"x\"}"), " \n"), 0, 0);
    CHECK_NEAR(task(LIST("{\"regex\": \"[0-9]{4}-[0-9]{2}\"}"), "in 2024-05"), 1, 0);
    CHECK_NEAR(task(LIST("{\"regex\": \"^x\"}"), "yx"), 0, 0);
    CHECK_NEAR(task(LIST("{\"tool\": \"f\"}"), "f(a=1)"), 1, 0);
    CHECK_NEAR(task(LIST("{\"tool\": \"f\"}"), "I would use f."), 0, 0);
    CHECK_NEAR(task(LIST("{\"field\": \"a.b\", \"equals\": [1, \"x\"]}"),
                    "So: {\"a\": {\"b\": [1.0, \"x\"]}}"),
               1, 0);
    CHECK_NEAR(task(LIST("{\"field\": \"a.b\", \"equals\": null}"), "{\"a\": {\"b\": null}}"), 1,
               0);
    CHECK_NEAR(task(LIST("{\"field\": \"a.b\", \"equals\": null}"), "{\"a\": {}}"), 0, 0);
    CHECK_NEAR(task(LIST("{\"field\": \"a\", \"equals\": 1}"), "no JSON"), 0, 0);
}

TEST(trajectory, checklist_weights) {
    static const char row[] =
        LIST("{\"contains\": \"x\", \"weight\": 3}, \"y\", {\"not\": \"z\", \"weight\": 0}");
    CHECK_NEAR(task(row, "x y"), 1, 0);
    CHECK_NEAR(task(row, "x z"), 0.75, 0);
    CHECK_NEAR(task(row, "y"), 0.25, 0);
    CHECK_TEXT(judge("task_completion", NULL, row, "y").detail, "does not contain \"x\"");
    CHECK_TEXT(judge("task_completion", NULL, row, "x z").detail, "does not contain \"y\"");
    CHECK_TEXT(judge("task_completion", NULL, LIST("{\"any\": [\"p\", \"q\"]}"), "x").detail,
               "contains none of \"p\", ...");
}

TEST(trajectory, checklists_that_are_wrong) {
    static const char *const rows[] = {"{}",
                                       "{\"checklist\": []}",
                                       "{\"checklist\": \"x\"}",
                                       LIST("3"),
                                       LIST("\" \""),
                                       LIST("{}"),
                                       LIST("{\"weight\": 1}"),
                                       LIST("{\"contain\": \"x\"}"),
                                       LIST("{\"contains\": 3}"),
                                       LIST("{\"contains\": \"x\", \"not\": \"y\"}"),
                                       LIST("{\"any\": []}"),
                                       LIST("{\"any\": [1]}"),
                                       LIST("{\"regex\": \"(\"}"),
                                       LIST("{\"tool\": 1}"),
                                       LIST("{\"field\": \"a\"}"),
                                       LIST("null"),
                                       LIST("{\"contains\": \"x\", \"weight\": -1}"),
                                       LIST("{\"contains\": \"x\", \"weight\": 0}"),
                                       LIST("{\"contains\": \"x\", \"weight\": \"1\"}"),
                                       LIST("\"x\", {\"regex\": 1}")};
    for (size_t i = 0; i < FT__COUNT(rows); i++)
        if (!CHECK_NEAR(task(rows[i], "x"), -1, 0)) test_note("%s", rows[i]);
}
