#include "judge_text.h"

#define TABLE(metric, rows) "{\"metric\": \"" metric "\", \"input\": {\"table\": " rows "}}"
#define RATINGS(rows) "{\"metric\": \"krippendorff_alpha\", \"input\": {\"ratings\": " rows "}}"

TEST(agree, kappas_of_a_table) {
    /* P = (1 + 1/3)/2 = 2/3; shares 5/6 and 1/6: Pe = 26/36. */
    static const char fleiss[] = TABLE("fleiss_kappa", "[[3, 0], [2, 1]]");
    CHECK_NEAR(metric_value(fleiss, ""), (2.0 / 3 - 26.0 / 36) / (10.0 / 36), 1e-15);
    CHECK_NEAR(metric_value(TABLE("randolph_kappa", "[[3, 0], [2, 1]]"), ""), 1.0 / 3, 1e-15);
    CHECK_TEXT(metric_answer(TABLE("fleiss_kappa", "[[2, 0], [2, 0]]")), "{\"value\":\"nan\"}");
    CHECK_TEXT(metric_answer(TABLE("fleiss_kappa", "[[1, 0], [0, 1]]")), "{\"value\":\"nan\"}");
    CHECK_TEXT(metric_answer(TABLE("randolph_kappa", "[[2], [2]]")), "{\"value\":\"nan\"}");
    CHECK(strstr(metric_answer(TABLE("fleiss_kappa", "[[2, 0], [2, 1]]")), "different") != NULL);
    CHECK(strstr(metric_answer(TABLE("fleiss_kappa", "[[2, 0], [2]]")), "error") != NULL);
    CHECK(strstr(metric_answer(TABLE("fleiss_kappa", "[[2, -1]]")), "error") != NULL);
    CHECK(strstr(metric_answer(TABLE("fleiss_kappa", "[]")), "error") != NULL);
}

TEST(agree, alpha) {
    /* Units 1 1, 1 3, 3 3; the fourth is dropped.  Observed pairs (once): one of distance 2;
       expected: 3 * 3 pairs; (n - 1) = 5. */
    static const char line[] = RATINGS("[[1, 1], [1, 3], [3, 3, null], [2, null]]");
    CHECK_NEAR(metric_value(line, "nominal"), 1 - 5.0 / 9, 1e-15);
    CHECK_NEAR(metric_value(line, "interval"), 1 - 5.0 / 9, 1e-15);
    /* 1 2 2, 2 4: half of 2 pairs of (1, 2) and 1 of (2, 4); counts 1 3 1, n - 1 = 4. */
    static const char three[] = RATINGS("[[1, 2, 2], [2, 4]]");
    CHECK_NEAR(metric_value(three, "nominal"), 1 - 4 * (1.0 + 1) / (3 + 3 + 1), 1e-15);
    CHECK_NEAR(metric_value(three, "interval"), 1 - 4 * (1.0 + 4) / (3 + 3 * 4 + 9), 1e-15);
    CHECK_NEAR(metric_value(three, "ordinal"), 1 - 4 * (4.0 + 4) / (3 * 4 + 3 * 4 + 16), 1e-15);
    CHECK_NEAR(metric_value(three, "ratio"),
               1 - 4 * (1.0 / 9 + 1.0 / 9) / (3.0 / 9 + 3.0 / 9 + 9.0 / 25), 1e-15);
    CHECK_NEAR(metric_value(RATINGS("[[5, 5], [5, 5]]"), "ratio"), 1, 0);
    CHECK_NEAR(metric_value(RATINGS("[[-1, 1], [1, -1]]"), "interval"), -0.5, 1e-15);
    CHECK(strstr(metric_answer(RATINGS("[[1, null], [2]]")), "\"nominal\":\"nan\"") != NULL);
    CHECK(strstr(metric_answer(RATINGS("[]")), "\"ratio\":\"nan\"") != NULL);
    CHECK(strstr(metric_answer(RATINGS("[[\"a\"]]")), "error") != NULL);
}

TEST(agree, memory) {
    check_metric_memory(RATINGS("[[1, 2], [2, 2]]"));
    check_metric_memory(TABLE("fleiss_kappa", "[[3, 0], [2, 1]]"));
}
