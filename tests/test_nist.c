#include "judge_text.h"

#define CALL(metric, params, field, output, references)                                        \
    "{\"metric\": \"" metric "\", \"params\": {" params "}, \"input\": {\"" field "\": " output \
    ", \"references_tokens\": " references "}}"
#define SENTENCE(metric, params, output, references)                                           \
    CALL(metric, params, "prediction_tokens", output, references)
#define CORPUS(metric, params, output, references)                                             \
    CALL(metric, params, "predictions_tokens", output, references)

TEST(nist, gleu) {
    /* a, b, c; a b, b c; a b c: of these a, b, a b are in a b d e (10 n-grams). */
    CHECK_NEAR(metric_value(SENTENCE("gleu_sentence", "", "[\"a\", \"b\", \"c\"]",
                                     "[[\"a\", \"b\", \"d\", \"e\"]]"), ""), 0.3, 1e-15);
    CHECK_NEAR(metric_value(SENTENCE("gleu_sentence", "\"min_len\": 2, \"max_len\": 2",
                                     "[\"a\", \"b\", \"c\"]", "[[\"a\", \"b\", \"d\", \"e\"]]"),
                            ""),
               1.0 / 3, 1e-15);
    CHECK_NEAR(metric_value(SENTENCE("gleu_sentence", "", "[\"a\"]", "[[\"b\"], [\"a\"]]"), ""), 1,
               0);
    CHECK_NEAR(metric_value(SENTENCE("gleu_sentence", "", "[]", "[]"), ""), 0, 0);
    CHECK_NEAR(metric_value(SENTENCE("gleu_sentence", "\"min_len\": 3, \"max_len\": 2", "[\"a\"]",
                                     "[[\"a\"]]"), ""), 0, 0);
    CHECK_NEAR(metric_value(CORPUS("gleu_corpus", "", "[[\"a\"], [\"b\", \"c\"]]",
                                   "[[[\"a\"]], [[\"b\", \"d\"]]]"), ""), 0.5, 1e-15);
    CHECK(strstr(metric_answer(CORPUS("gleu_corpus", "", "[[]]", "[]")), "error") != NULL);
    CHECK(strstr(metric_answer(SENTENCE("gleu_sentence", "\"max_len\": 1.5", "[]", "[]")),
                 "error") != NULL);
}

TEST(nist, nist) {
    /* All of the reference: 1-grams tell log2(4/2) for a, 2 for b and c: (1+2+1+2)/4; 2-grams a b
       and a c: log2(2/1), b a: 0: 2/3. */
    CHECK_NEAR(metric_value(SENTENCE("nist_sentence", "\"n\": 2", "[\"a\", \"b\", \"a\", \"c\"]",
                                     "[[\"a\", \"b\", \"a\", \"c\"]]"), ""), 1.5 + 2.0 / 3, 1e-14);
    /* Two thirds of the length: half the score. */
    CHECK_NEAR(metric_value(SENTENCE("nist_sentence", "\"n\": 1", "[\"a\", \"b\"]",
                                     "[[\"a\", \"b\", \"c\"]]"), ""),
               ft__log(3) / ft__log(2) / 2, 1e-14);
    CHECK_NEAR(metric_value(SENTENCE("nist_sentence", "", "[]", "[[\"a\"]]"), ""), 0, 0);
    CHECK_NEAR(metric_value(SENTENCE("nist_sentence", "", "[\"a\"]", "[]"), ""), 0, 0);
    /* Words of all references count: a is 1 of 2. */
    CHECK_NEAR(metric_value(CORPUS("nist_corpus", "\"n\": 1", "[[\"a\"], [\"x\"]]",
                                   "[[[\"a\"]], [[\"b\"]]]"), ""), 0.5, 1e-14);
}

TEST(nist, gleu_evaluator) {
    static const char row[] = "{\"expected\": \"A b, c\", \"references\": [\"x\"]}";
    CHECK_NEAR(judge("gleu", NULL, row, "A b, c").value, 1, 0);
    CHECK_NEAR(judge("gleu", NULL, row, "x").value, 1, 0);
    CHECK_NEAR(judge("gleu", NULL, row, "a b, c").value, 0.6, 1e-15); /* case counts */
    CHECK_NEAR(judge("gleu", NULL, row, "").value, 0, 0);
    CHECK_NEAR(judge("gleu", NULL, "{\"expected\": \" \"}", "").value, 1, 0);
    CHECK_NEAR(judge("gleu", NULL, "{\"expected\": \" \"}", "a").value, 0, 0);
    CHECK_NEAR(judge("gleu", NULL, row, "\xFF\xC3").value, 0, 0);
}

TEST(nist, ngrams_in_place) {
    ft_allocator a = ft__allocator(NULL);
    ft__ngrams g;
    const uint32_t tokens[] = {5, 6, 5, 6, 5};
    uint32_t ids[5];
    ft__ngrams_init(&g, &a);
    memcpy(ids, tokens, sizeof ids);
    ft__ngrams_extend(&g, ids, tokens, 5, 2);
    CHECK(ids[0] == 0 && ids[1] == 1 && ids[2] == 0 && ids[3] == 1);
    ft__ngrams_clear(&g);
    ft__ngrams_extend(&g, ids, tokens, 5, 3);
    CHECK(ids[0] == 0 && ids[1] == 1 && ids[2] == 0);
    CHECK_INT(g.n, 2);
    ft__ngrams_clear(&g);
    ft__ngrams_extend(&g, ids, tokens, 2, 3); /* longer than the text */
    CHECK_INT(g.n, 0);
    ft__ngrams_free(&g);
}

TEST(nist, memory) {
    check_metric_memory(SENTENCE("gleu_sentence", "", "[\"a\", \"b\"]", "[[\"b\"], [\"a\"]]"));
    check_metric_memory(CORPUS("nist_corpus", "", "[[\"a\", \"b\"]]", "[[[\"b\"], [\"a\"]]]"));
}
