#include "judge_text.h"

#define CLASSES(params, truth, guess)                                                          \
    "{\"metric\": \"classification\", \"params\": {" params "}, \"input\": {\"y_true\": " truth  \
    ", \"y_pred\": " guess "}}"
#define KAPPA(params, one, two)                                                                \
    "{\"metric\": \"cohen_kappa\", \"params\": {" params "}, \"input\": {\"rater1\": " one         \
    ", \"rater2\": " two "}}"

TEST(classify, means) {
    /* a: 2 of 3 found, 2 of 2 guesses right; b: 1 of 1, 1 of 2; c never comes up. */
    static const char line[] =
        CLASSES("\"labels\": [\"a\", \"b\", \"c\"]", "[\"a\", \"a\", \"a\", \"b\"]",
                "[\"a\", \"b\", \"a\", \"b\"]");
    CHECK_NEAR(metric_value(line, "accuracy"), 0.75, 0);
    CHECK_NEAR(metric_value(line, "balanced_accuracy"), 5.0 / 6, 1e-15);
    CHECK_NEAR(metric_value(line, "precision_macro"), 0.5, 1e-15);
    CHECK_NEAR(metric_value(line, "recall_macro"), 5.0 / 9, 1e-15);
    CHECK_NEAR(metric_value(line, "f1_weighted"), (3 * 0.8 + 2.0 / 3) / 4, 1e-15);
    CHECK_NEAR(metric_value(line, "f1_micro"), 0.75, 1e-15);
    CHECK_NEAR(metric_value(line, "mcc"), (3 * 4 - (3 * 2 + 1 * 2)) / ft__sqrt(6 * 8), 1e-15);
    CHECK(strstr(metric_answer(line), "\"confusion\":[[2,1,0],[0,1,0],[0,0,0]]") != NULL);
    CHECK(strstr(metric_answer(line), "binary") == NULL);
}

TEST(classify, labels) {
    /* Without the parameter: those that come up, numbers first; 1, 1.0 and true are one. */
    CHECK(strstr(metric_answer(CLASSES("", "[10, 2, \"1\", true]", "[10, 2, \"1\", 1.0]")),
                 "\"confusion\":[[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]") != NULL);
    /* The second of two classes is the positive one. */
    CHECK_NEAR(metric_value(CLASSES("", "[0, 0, 1]", "[1, 0, 1]"), "precision_binary"), 0.5, 0);
    /* Classes that are not named count in accuracy only. */
    static const char some[] = CLASSES("\"labels\": [1, 2]", "[1, 2, 3]", "[1, 1, 3]");
    CHECK_NEAR(metric_value(some, "accuracy"), 2.0 / 3, 1e-15);
    CHECK_NEAR(metric_value(some, "precision_micro"), 0.5, 0);
    CHECK(strstr(metric_answer(some), "\"confusion\":[[1,0],[1,0]]") != NULL);
    CHECK(strstr(metric_answer(CLASSES("", "[1]", "[]")), "error") != NULL);
    CHECK(strstr(metric_answer(CLASSES("", "[null]", "[1]")), "error") != NULL);
    CHECK(strstr(metric_answer(CLASSES("\"labels\": [1, 1.0]", "[1]", "[1]")), "twice") != NULL);
    CHECK(strstr(metric_answer(CLASSES("\"zero_division\": 1", "[1]", "[1]")), "error") != NULL);
}

TEST(classify, kappa) {
    /* 3 of 4 agree; expected: (2*3 + 2*1)/16 = 1/2. */
    static const char line[] = KAPPA("", "[0, 0, 1, 1]", "[0, 0, 0, 1]");
    CHECK_NEAR(metric_value(line, "kappa_unweighted"), 0.5, 1e-15);
    CHECK_NEAR(metric_value(line, "kappa_quadratic"), 0.5, 1e-15);
    /* Far from each other: worse than nothing, and not brought to 0. */
    CHECK_NEAR(metric_value(KAPPA("\"labels\": [0, 1, 2]", "[0, 2]", "[2, 0]"), "kappa_linear"), -1,
               1e-15);
    CHECK(strstr(metric_answer(KAPPA("", "[1, 1]", "[1, 1]")), "\"kappa_linear\":\"nan\"") != NULL);
}

TEST(classify, memory) {
    check_metric_memory(CLASSES("", "[1, \"b\"]", "[1, 2]"));
    check_metric_memory(KAPPA("", "[1, 2]", "[1, 1]"));
}
