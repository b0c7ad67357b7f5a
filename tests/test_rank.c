#include "judge_text.h"

#define QUERY(k, ranked, qrels)                                                                    \
    "{\"metric\": \"retrieval_query\", \"params\": {\"k\": " k                                     \
    "}, \"input\": {\"ranked\": " ranked ", \"qrels\": " qrels "}}"

TEST(rank, one_query) {
    /* Relevant at ranks 2 and 4, one more not found. */
    static const char line[] = QUERY("3", "[\"x\", \"a\", \"y\", \"b\"]",
                                     "{\"a\": 2, \"b\": 1, \"c\": 3, \"x\": 0}");
    double log3 = ft__log(3) / ft__log(2);
    CHECK_NEAR(metric_value(line, "precision_at_k"), 1.0 / 3, 1e-15);
    CHECK_NEAR(metric_value(line, "recall_at_k"), 1.0 / 3, 1e-15);
    CHECK_NEAR(metric_value(line, "hit_at_k"), 1, 0);
    CHECK_NEAR(metric_value(line, "reciprocal_rank"), 0.5, 0);
    CHECK_NEAR(metric_value(line, "ap"), (0.5 + 0.5) / 3, 1e-15);
    CHECK_NEAR(metric_value(line, "ap_at_k"), 0.5 / 3, 1e-15);
    CHECK_NEAR(metric_value(line, "dcg_linear"), 2 / log3, 1e-14);
    CHECK_NEAR(metric_value(line, "ndcg_linear"), 2 / log3 / (3 + 2 / log3 + 0.5), 1e-14);
    CHECK_NEAR(metric_value(line, "ndcg_exp"), 3 / log3 / (7 + 3 / log3 + 0.5), 1e-14);
    CHECK_NEAR(metric_value(line, "r_precision"), 1.0 / 3, 1e-15);
    /* Found twice is found once. */
    CHECK_NEAR(metric_value(QUERY("2", "[\"a\", \"a\"]", "{\"a\": 1}"), "recall_at_k"), 1, 0);
    CHECK_NEAR(metric_value(QUERY("2", "[]", "{}"), "ndcg_exp"), 0, 0);
    CHECK_NEAR(metric_value(QUERY("2", "[7]", "{\"7\": 1}"), "mrr_at_k"), 1, 0);
    CHECK(strstr(metric_answer(QUERY("0", "[]", "{}")), "error") != NULL);
    CHECK(strstr(metric_answer(QUERY("1.5", "[]", "{}")), "error") != NULL);
    CHECK(strstr(metric_answer(QUERY("1", "[[]]", "{}")), "error") != NULL);
    CHECK(strstr(metric_answer(QUERY("1", "[]", "{\"a\": \"b\"}")), "error") != NULL);
}

TEST(rank, many_queries) {
    static const char line[] =
        "{\"metric\": \"retrieval_corpus\", \"params\": {\"k\": 1}, \"input\": {\"queries\": ["
        "{\"ranked\": [\"x\", \"a\"], \"qrels\": {\"a\": 1}}, {\"ranked\": [\"x\"], \"qrels\": "
        "{}}]}}";
    CHECK_NEAR(metric_value(line, "map"), 0.25, 0);
    CHECK_NEAR(metric_value(line, "mrr"), 0.25, 0);
    CHECK_NEAR(metric_value(line, "recall_at_k"), 0, 0);
    CHECK_TEXT(metric_answer("{\"metric\": \"retrieval_corpus\", \"input\": {\"queries\": []}}"),
               "{\"value\":{\"map\":\"nan\",\"mrr\":\"nan\",\"ndcg_linear\":\"nan\","
               "\"recall_at_k\":\"nan\",\"precision_at_k\":\"nan\"}}");
}

TEST(rank, ties_share_their_gain) {
    double second = ft__log(2) / ft__log(3);
    static const char line[] = "{\"metric\": \"ndcg_tied\", \"params\": {\"k\": 2}, \"input\": "
                               "{\"relevance\": [0, 3, 0], \"scores\": [1, 1, 1]}}";
    CHECK_NEAR(metric_value(line, "dcg"), 1 + second, 1e-14);
    CHECK_NEAR(metric_value(line, "ndcg"), (1 + second) / 3, 1e-14);
    CHECK_NEAR(
        metric_value("{\"metric\": \"ndcg_tied\", \"params\": {\"gain\": \"exp\", \"k\": null}, "
                     "\"input\": {\"relevance\": [0, 3], \"scores\": [1, 2]}}",
                     "dcg"),
        7, 0);
}

TEST(rank, evaluators) {
    static const char row[] = "{\"expected\": {\"a b\": 1, \"7\": 3, \"c\": 0}}";
    CHECK_NEAR(judge("ndcg", NULL, row, "7\n a b \r\n\nc").value, 1, 1e-15);
    CHECK_NEAR(judge("ndcg", NULL, row, "[7, \"a b\"]").value, 1, 1e-15);
    CHECK_NEAR(judge("mrr", "{\"k\": 1}", row, "c\n7").value, 0, 0);
    CHECK_NEAR(judge("recall_at_k", NULL, row, "7\n7\n7").value, 0.5, 0);
    CHECK_NEAR(judge("precision_at_k", "{\"k\": 4}", row, "7\n7\na b").value, 0.5, 0);
    CHECK_NEAR(judge("mrr", NULL, "{\"expected\": \"a\"}", "[null, \"a\"]").value, 0.5, 0);
    CHECK_NEAR(judge("mrr", NULL, row, "[7, ").value, 0, 0); /* no list, and not the id 7 */
    CHECK_NEAR(judge("mrr", NULL, row, "").value, 0, 0);
    CHECK_INT(judge("mrr", NULL, "{\"expected\": {\"c\": 0}}", "c").state, FT_SCORE_ERROR);
    CHECK_INT(judge("mrr", NULL, "{\"expected\": []}", "c").state, FT_SCORE_ERROR);
    CHECK_INT(judge("ndcg", NULL, "{\"expected\": {\"c\": -1}}", "c").state, FT_SCORE_ERROR);
    CHECK_INT(judge("ndcg", NULL, "{\"expected\": [[1]]}", "c").state, FT_SCORE_ERROR);
}

TEST(rank, memory) {
    check_metric_memory(QUERY("3", "[\"x\", \"a\"]", "{\"a\": 2, \"b\": 1}"));
    check_metric_memory(
        "{\"metric\": \"ndcg_tied\", \"input\": {\"relevance\": [1], \"scores\": [2]}}");
}
