#include "judge_text.h"

#define INPUT(output, references)                                                              \
    "\"input\": {\"prediction_tokens\": " output ", \"references_tokens\": " references "}}"
#define METEOR(params, output, references)                                                     \
    "{\"metric\": \"meteor\", \"params\": {" params "}, " INPUT(output, references)

TEST(meteor, formula) {
    static const char same[] = METEOR("", "[\"One\", \"two\"]", "[[\"one\", \"TWO\"]]");
    CHECK_NEAR(metric_value(same, "score"), 1 - 0.5 / 8, 1e-15);
    CHECK_NEAR(metric_value(same, "chunks"), 1, 0);
    static const char swapped[] =
        METEOR("\"alpha\": 0.5, \"beta\": 1, \"gamma\": 0.4", "[\"b\", \"a\", \"x\", \"y\"]",
               "[[\"a\", \"b\"]]");
    /* P 1/2, R 1, F 2/3; two chunks of two matches. */
    CHECK_NEAR(metric_value(swapped, "score"), 2.0 / 3 * 0.6, 1e-15);
    CHECK_NEAR(metric_value(METEOR("", "[]", "[[]]"), "score"), 0, 0);
    CHECK_NEAR(metric_value(METEOR("", "[\"a\"]", "[[]]"), "score"), 0, 0);
    CHECK_NEAR(metric_value(METEOR("", "[\"a\"]", "[]"), "score"), 0, 0);
    CHECK_NEAR(metric_value(METEOR("", "[\"a\"]", "[[\"b\"], [\"a\"]]"), "score"), 0.5, 1e-15);
}

TEST(meteor, matches_from_the_end) {
    CHECK(strstr(metric_answer(METEOR("", "[\"a\"]", "[[\"a\", \"a\"]]")),
                 "\"matches\":1,\"chunks\":1,\"alignment\":[[0,1]]}}") != NULL);
    /* The equal one is taken first, though it comes later than the one of the same stem. */
    const char *answer =
        metric_answer(METEOR("", "[\"walks\", \"walk\"]", "[[\"walk\", \"walking\"]]"));
    CHECK(strstr(answer, "\"alignment\":[[0,1],[1,0]]") != NULL);
    CHECK_NEAR(
        metric_value(METEOR("\"stages\": [\"exact\"]", "[\"walks\"]", "[[\"walk\"]]"), "matches"),
        0, 0);
    CHECK(strstr(metric_answer(METEOR("\"stages\": [\"wordnet\"]", "[]", "[]")), "error") != NULL);
    CHECK_NEAR(metric_value(METEOR("\"lowercase\": false", "[\"A\"]", "[[\"a\"]]"), "matches"), 1,
               0);
    CHECK_NEAR(metric_value(METEOR("\"lowercase\": false, \"stages\": [\"exact\"]", "[\"A\"]",
                                   "[[\"a\"]]"), "matches"), 0, 0);
}

static size_t split(const char *text, size_t n, bool fold, const char *const *expected) {
    ft_allocator a = ft__allocator(NULL);
    ft__interner words;
    ft__arena arena;
    ft__tokens tokens;
    ft__view v = {text, n};
    ft__interner_init(&words, &a);
    ft__arena_init(&arena, &a);
    ft__tokens_init(&tokens, &a);
    ft__meteor_split(v, fold, &words, &arena, &tokens);
    size_t count = tokens.n;
    for (size_t i = 0; i < count && expected[i]; i++) {
        ft__view word = words.texts[tokens.ids[i]];
        if (!CHECK(ft__text_equal(word.text, word.n, expected[i], strlen(expected[i]))))
            test_note("%zu: \"%.*s\"", i, (int)word.n, word.text);
    }
    ft__tokens_free(&tokens);
    ft__arena_free(&arena);
    ft__interner_free(&words);
    return count;
}

TEST(meteor, splits_texts) {
    static const char text[] = "It's 3.5\xE2\x82\xAC, \xC3\x84PFEL_x!\t\xFF"
                               "a \xE0\xA4\x95\xE0\xA5\x8D";
    static const char *const low[] = {"it", "'", "s", "3", ".", "5", "\xE2\x82\xAC", ",",
                                      "\xC3\xA4pfel_x", "!", "\xFF", "a",
                                      "\xE0\xA4\x95\xE0\xA5\x8D", NULL};
    static const char *const none[] = {NULL};
    CHECK_INT(split(text, sizeof text - 1, true, low), FT__COUNT(low) - 1);
    CHECK_INT(split("", 0, true, none), 0);
    CHECK_INT(split(" \n\xE2\x80\x83\x1C", 6, false, none), 0);
    static const char *const nul[] = {"a", NULL};
    CHECK_INT(split("a\0b", 3, false, nul), 3);
    /* A final sigma is one by what is around it, punctuation or not, up to a blank. */
    static const char *const sigma[] = {"\xCE\xB1\xCF\x82", ".", "\xCF\x83", NULL};
    CHECK_INT(split("\xCE\x91\xCE\xA3. \xCE\xA3", 8, true, sigma), 3);
}

TEST(meteor, evaluator) {
    static const char row[] = "{\"expected\": \"Two dogs bark.\", \"references\": [\"\"]}";
    CHECK_NEAR(judge("meteor", NULL, row, "two DOGS  bark.").value, 1, 0);
    CHECK_NEAR(judge("meteor", NULL, row, "").value, 1, 0); /* the empty reference */
    CHECK_NEAR(judge("meteor", NULL, "{\"expected\": \"x\"}", "").value, 0, 0);
    /* By stem all four match in one chunk. */
    CHECK_NEAR(judge("meteor", NULL, row, "two dog barks.").value, 1 - 0.5 / 64, 1e-15);
    CHECK_NEAR(judge("meteor", NULL, row, "bark. dogs two").value, 1 - 0.5 * 27 / 64, 1e-15);
    CHECK_NEAR(judge("meteor", "{\"gamma\": 0}", row, "bark. dogs two").value, 1, 1e-15);
}

TEST(meteor, long_texts_take_linear_time) {
    enum { N = 1000000 };
    char *text = (char *)malloc(N), *row = (char *)malloc(N + 64);
    size_t at = (size_t)snprintf(row, 32, "{\"expected\": \"");
    for (int i = 0; i < N; i++) text[i] = "aa ab "[i % 6];
    for (int i = 0; i < N; i++) row[at++] = "ab aa "[i % 6];
    memcpy(row + at, "\"}", 3);
    double start = ft__seconds();
    CHECK_NEAR(judge_bytes("meteor", NULL, row, text, N).value, 0.5, 0.01); /* no two in order */
    CHECK(ft__seconds() - start < 5);
    free(row);
    free(text);
}

TEST(meteor, memory) {
    check_metric_memory(METEOR("", "[\"Walks\", \"a\"]", "[[\"walk\"], [\"b\", \"A\"]]"));
}
