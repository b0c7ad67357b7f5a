/* BLEU: numbers that can be worked out by hand, edge cases, the corpus. */
#include "../src/eval/eval.h"
#include "test.h"

static int collect(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n);
    return 0;
}

/* The answer of a call, whose "value" or "score" is to be read; static. */
static const char *answer(const char *call) {
    static char out[2000];
    ft_allocator a = ft__allocator(NULL);
    ft_error err;
    ft__buf b;
    ft__buf_init(&b, &a);
    CHECK_OK(ft_metric(call, strlen(call), NULL, collect, &b, &err), err);
    snprintf(out, sizeof out, "%s", b.data ? b.data : "");
    ft__buf_free(&b);
    return out;
}

static ft_score judge(const char *params, const char *row_json, const char *output) {
    ft_error err;
    ft_score score;
    memset(&score, 0, sizeof score);
    ft_evaluator *e = ft_evaluator_create("bleu", params, NULL, &err);
    ft_row *row = ft_row_parse(row_json, strlen(row_json), NULL, &err);
    if (CHECK(e && row)) ft_evaluate(e, row, output, strlen(output), &score, &err);
    ft_row_free(row);
    ft_evaluator_free(e);
    return score;
}

/* 4 of 5 words, 2 of 4 pairs, 1 of 3 triples, no quadruple: halved once. */
TEST(bleu, by_hand) {
    ft_score s = judge(NULL, "{\"expected\": \"a b c x d\"}", "a b c d e");
    double product = 4.0 / 5 * 2 / 4 * 1 / 3 * 1 / (2 * 2.0);
    CHECK_NEAR(s.value, 100 * ft__sqrt(ft__sqrt(product)), 1e-9);
    s = judge("{\"smooth_method\": \"none\"}", "{\"expected\": \"a b c x d\"}", "a b c d e");
    CHECK_NEAR(s.value, 0, 0);
    s = judge("{\"max_ngram_order\": 1}", "{\"expected\": \"a b c d\"}", "a b");
    CHECK_NEAR(s.value, 100 * ft__exp(1 - 4.0 / 2), 1e-9);
}

TEST(bleu, perfect_is_exactly_100) {
    static const char *const texts[] = {"a", "a b", "A, b. 3.5!", "a a a a a a a a"};
    for (size_t i = 0; i < FT__COUNT(texts); i++) {
        char row[100];
        snprintf(row, sizeof row, "{\"expected\": \"%s\"}", texts[i]);
        CHECK(judge(NULL, row, texts[i]).value == 100);
    }
}

TEST(bleu, empty_texts_and_bad_bytes) {
    CHECK(judge(NULL, "{\"expected\": \"\"}", "").value == 0);
    CHECK(judge(NULL, "{\"expected\": \"\"}", "a").value == 0);
    CHECK(judge(NULL, "{\"expected\": \"a\"}", "").value == 0);
    CHECK_INT(judge(NULL, "{\"expected\": \"a\"}", "\xFF\xC3").state, FT_SCORED);
    CHECK_INT(judge(NULL, "{\"expected\": [1]}", "a").state, FT_SCORE_ERROR);
}

/* A word counts as often as the reference that has it most often; the shorter of two lengths that
   are equally near is taken. */
TEST(bleu, several_references) {
    const char *got = answer("{\"metric\": \"bleu_sentence\", \"params\": {\"max_ngram_order\": 1},"
                             " \"input\": {\"prediction\": \"a a a b\","
                             " \"references\": [\"a a\", \"a b c d e f\"]}}");
    CHECK(strstr(got, "\"counts\":[3]") != NULL);
    CHECK(strstr(got, "\"ref_len\":2") != NULL);
}

TEST(bleu, lowercase_and_tokenizers) {
    CHECK(judge(NULL, "{\"expected\": \"Some\"}", "some").value == 0);
    CHECK(judge("{\"lowercase\": true}", "{\"expected\": \"Some\"}", "some").value == 100);
    CHECK(judge("{\"tokenize\": \"none\"}", "{\"expected\": \"a,\"}", "a ,").value == 0);
    CHECK(judge("{\"tokenize\": \"13a\"}", "{\"expected\": \"a,\"}", "a ,").value == 100);
    CHECK(judge("{\"tokenize\": \"char\"}", "{\"expected\": \"a,\"}", "a ,").value == 100);
}

TEST(bleu, corpus_adds_up) {
    const char *got =
        answer("{\"metric\": \"bleu_corpus\", \"params\": {\"smooth_method\": \"add-k\","
               " \"smooth_value\": 2, \"max_ngram_order\": 2}, \"input\": {\"predictions\":"
               " [\"a b\", \"c d e\"], \"references\": [[\"a b\"], [\"c x\", \"d\"]]}}");
    CHECK(strstr(got, "\"counts\":[4,3]") != NULL);
    CHECK(strstr(got, "\"totals\":[5,5]") != NULL);
    CHECK(strstr(got, "\"sys_len\":5") != NULL);
    CHECK(strstr(got, "\"ref_len\":4") != NULL);
}

TEST(bleu, thousands_of_segments) {
    ft_allocator a = ft__allocator(NULL);
    ft__buf b;
    ft__buf_init(&b, &a);
    ft__buf_text(&b, "{\"metric\": \"bleu_corpus\", \"input\": {\"predictions\": [");
    for (int i = 0; i < 5000; i++) ft__buf_printf(&b, "%s\"a b %d d\"", i ? "," : "", i);
    ft__buf_text(&b, "], \"references\": [");
    for (int i = 0; i < 5000; i++) ft__buf_printf(&b, "%s[\"a b %d d\"]", i ? "," : "", i);
    ft__buf_text(&b, "]}}");
    CHECK(strstr(answer(b.data), "\"score\":100,\"counts\":[20000,15000,10000,5000]") != NULL);
    ft__buf_free(&b);
}

TEST(bleu, bad_input) {
    CHECK(strstr(answer("{\"metric\": \"bleu_sentence\", \"input\": {\"prediction\": \"a\","
                        " \"references\": []}}"),
                 "there are no references") != NULL);
    CHECK(strstr(answer("{\"metric\": \"bleu_corpus\", \"input\": {\"predictions\": [\"a\"],"
                        " \"references\": []}}"),
                 "1 predictions, but 0 lists") != NULL);
    CHECK(strstr(answer("{\"metric\": \"bleu_corpus\", \"input\": {\"predictions\": [1],"
                        " \"references\": [[\"a\"]]}}"),
                 "found number") != NULL);
    CHECK(strstr(answer("{\"metric\": \"bleu_sentence\", \"params\": {\"max_ngram_order\": 0},"
                        " \"input\": {\"prediction\": \"a\", \"references\": [\"a\"]}}"),
                 "from 1 to 32") != NULL);
}

TEST(bleu, parameters_are_checked) {
    ft_error err;
    CHECK(!ft_evaluator_create("bleu", "{\"tokenize\": \"zh\"}", NULL, &err));
    CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, "\"13a\"");
    CHECK(!ft_evaluator_create("bleu", "{\"max_ngram_order\": 2.5}", NULL, &err));
    CHECK(!ft_evaluator_create("bleu", "{\"smooth_method\": null}", NULL, &err));
}
