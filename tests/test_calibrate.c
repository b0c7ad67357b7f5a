#include "judge_text.h"

#define PAIRS(metric, params, y, field, x)                                                         \
    "{\"metric\": \"" metric "\", \"params\": {" params "}, \"input\": {" y ", \"" field "\": " x  \
    "}}"
#define TRUE_AND(metric, y, field, x) PAIRS(metric, "", "\"y_true\": " y, field, x)
#define ECE(metric, bins, right, confidence)                                                   \
    PAIRS(metric, "\"bins\": " bins, "\"correct\": " right, "confidence", confidence)

TEST(calibrate, areas) {
    /* From the top: 1; a tie of 1 and 0; 0. */
    static const char line[] =
        TRUE_AND("roc_pr_auc", "[0, 1, 0, 1]", "scores", "[0.1, 0.9, 0.5, 0.5]");
    CHECK_NEAR(metric_value(line, "roc_auc"), 3.5 / 4, 1e-15);
    CHECK_NEAR(metric_value(line, "average_precision"), 0.5 + 0.5 * 2 / 3, 1e-15);
    CHECK_NEAR(metric_value(line, "pr_auc_trapezoid"), 0.5 + 0.5 * (1 + 2.0 / 3) / 2, 1e-15);
    CHECK_NEAR(metric_value(TRUE_AND("roc_pr_auc", "[1, 0]", "scores", "[-7, 1e300]"), "roc_auc"),
               0, 0);
    /* Undefined is no number. */
    CHECK_TEXT(metric_answer(TRUE_AND("roc_pr_auc", "[0, 0]", "scores", "[1, 2]")),
               "{\"value\":{\"roc_auc\":\"nan\",\"average_precision\":\"nan\","
               "\"pr_auc_trapezoid\":\"nan\"}}");
    CHECK_TEXT(metric_answer(TRUE_AND("roc_pr_auc", "[1]", "scores", "[1]")),
               "{\"value\":{\"roc_auc\":\"nan\",\"average_precision\":1,\"pr_auc_trapezoid\":1}}");
    CHECK(strstr(metric_answer(TRUE_AND("roc_pr_auc", "[2]", "scores", "[1]")), "error") != NULL);
    CHECK(strstr(metric_answer(TRUE_AND("roc_pr_auc", "[]", "scores", "[]")), "error") != NULL);
    CHECK(strstr(metric_answer(TRUE_AND("roc_pr_auc", "[1]", "scores", "[\"nan\"]")), "error") !=
          NULL);
}

TEST(calibrate, losses) {
    CHECK_NEAR(metric_value(TRUE_AND("brier", "[1, 0]", "probs", "[0.5, 0.1]"), ""), 0.13, 1e-15);
    CHECK_NEAR(metric_value(TRUE_AND("log_loss", "[1, 0]", "probs", "[0.5, 0.75]"), ""),
               (ft__log(2) + ft__log(4)) / 2, 1e-15);
    CHECK_NEAR(metric_value(TRUE_AND("log_loss", "[1]", "probs", "[0]"), ""), -ft__log(1e-15),
               1e-12);
    CHECK(strstr(metric_answer(TRUE_AND("brier", "[1]", "probs", "[1.5]")), "error") != NULL);
}

TEST(calibrate, errors) {
    /* (0, 1/2]: 0, 1/2; (1/2, 1]: 3/4, 1. */
    CHECK_TEXT(
        metric_answer(ECE("ece", "2", "[1, 0, 0, 1]", "[0, 0.5, 0.75, 1]")),
        "{\"value\":{\"ece\":0.3125,\"mce\":0.375,\"bins\":[[0,2,0.5,0.25],[1,2,0.5,0.875]]}}");
    /* Two by two: 0 and 1 right, 0.5 twice; then 0.5 and 1. */
    CHECK_NEAR(metric_value(ECE("ece_adaptive", "2", "[1, 0, 1, 1]", "[1, 0.5, 0.5, 0.5]"), ""),
               0.5 * 0 + 0.5 * 0.25, 1e-15);
    CHECK_NEAR(metric_value(ECE("ece_adaptive", "9", "[1]", "[0.25]"), ""), 0.75, 1e-15);
}

TEST(calibrate, classes) {
    static const char line[] =
        TRUE_AND("multiclass_prob", "[0, 1, 2]", "probs",
                 "[[0.5, 0.25, 0.25], [0.5, 0.5, 0], [0.25, 0.25, 0.5]]");
    CHECK_NEAR(metric_value(line, "top1"), 2.0 / 3, 1e-15); /* the first of equal ones */
    CHECK_NEAR(metric_value(line, "top2"), 1, 0);
    CHECK_NEAR(metric_value(line, "brier_multiclass"), (0.375 + 0.5 + 0.375) / 3, 1e-15);
    CHECK_NEAR(metric_value(line, "log_loss"), ft__log(2), 1e-12);
    CHECK_NEAR(metric_value(line, "roc_auc_ovr_macro"), (0.75 + 1 + 1) / 3, 1e-15);
    CHECK_NEAR(metric_value(line, "roc_auc_ovo_macro"), (0.5 + 1 + 1 + 1 + 1 + 1) / 6, 1e-15);
    CHECK_NEAR(metric_value(line, "ece"), 2.0 / 3 - 0.5, 1e-15);
    /* Class 2 is before class 1 among equals, and there is no room for it. */
    CHECK_NEAR(
        metric_value(TRUE_AND("multiclass_prob", "[0]", "probs", "[[0.3, 0.3, 0.3]]"), "top2"), 0,
        0);
    CHECK(strstr(metric_answer(TRUE_AND("multiclass_prob", "[0, 1]", "probs",
                                        "[[0.5, 0.5, 0], [0.5, 0.5, 0]]")),
                 "\"roc_auc_ovr_macro\":\"nan\"") != NULL);
    CHECK(strstr(metric_answer(TRUE_AND("multiclass_prob", "[2]", "probs", "[[0.5, 0.5]]")),
                 "error") != NULL);
}

TEST(calibrate, memory) {
    check_metric_memory(TRUE_AND("roc_pr_auc", "[0, 1]", "scores", "[1, 2]"));
    check_metric_memory(ECE("ece", "3", "[1, 0]", "[0.5, 1]"));
    check_metric_memory(ECE("ece_adaptive", "3", "[1, 0]", "[0.5, 1]"));
    check_metric_memory(TRUE_AND("multiclass_prob", "[0, 1]", "probs", "[[0.5, 0.5], [0, 1]]"));
}
