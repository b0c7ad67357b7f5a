/* Words of our own, worked out by hand from the rules. */
#include "judge_text.h"

static const char *stem(const char *word, ft__porter_mode mode) {
    static char buffers[4][64];
    static int at;
    char *text = buffers[at = (at + 1) % 4];
    snprintf(text, 64, "%s", word);
    text[ft__porter(text, strlen(text), mode)] = 0;
    return text;
}

TEST(porter, takes_off_suffixes) {
    static const char *const words[][2] = {
        {"walks", "walk"},        {"glasses", "glass"},      {"flies", "fli"},
        {"pies", "pie"},          {"tied", "tie"},           {"agreed", "agre"},
        {"bleed", "bleed"},       {"hopping", "hop"},        {"falling", "fall"},
        {"hoping", "hope"},       {"sing", "sing"},          {"inflated", "inflat"},
        {"troubling", "troubl"},  {"enjoy", "enjoy"},        {"happily", "happili"},
        {"fully", "fulli"},       {"relational", "relat"},   {"rationally", "ration"},
        {"geology", "geolog"},    {"theology", "theolog"},   {"hopefulness", "hope"},
        {"adjustment", "adjust"}, {"adoption", "adopt"},     {"effective", "effect"},
        {"controlling", "control"}, {"rate", "rate"},        {"cease", "ceas"},
        {"parallel", "parallel"}, {"dying", "die"},          {"innings", "inning"},
        {"succeed", "succeed"},   {"as", "as"},              {"by", "by"}};
    for (size_t i = 0; i < FT__COUNT(words); i++)
        CHECK_TEXT(stem(words[i][0], FT__PORTER_NLTK), words[i][1]);
}

TEST(porter, modes_differ) {
    CHECK_TEXT(stem("s", FT__PORTER_ORIGINAL), "");
    CHECK_TEXT(stem("s", FT__PORTER_MARTIN), "s");
    CHECK_TEXT(stem("pies", FT__PORTER_ORIGINAL), "pi");
    CHECK_TEXT(stem("dying", FT__PORTER_MARTIN), "dy");
    CHECK_TEXT(stem("enjoy", FT__PORTER_ORIGINAL), "enjoi");
    CHECK_TEXT(stem("possibly", FT__PORTER_MARTIN), "possibl");
    CHECK_TEXT(stem("possibly", FT__PORTER_ORIGINAL), "possibli");
    CHECK_TEXT(stem("geology", FT__PORTER_ORIGINAL), "geologi");
    CHECK_TEXT(stem("theology", FT__PORTER_MARTIN), "theologi"); /* its l is not in the stem */
    CHECK_TEXT(stem("biology", FT__PORTER_MARTIN), "biologi");
}

TEST(porter, takes_any_bytes) {
    CHECK_TEXT(stem("", FT__PORTER_NLTK), "");
    CHECK_TEXT(stem("\xC3\xA9s", FT__PORTER_MARTIN), "\xC3\xA9s"); /* two characters */
    CHECK_TEXT(stem("\xC3\xA9ies", FT__PORTER_NLTK), "\xC3\xA9ie"); /* four */
    CHECK_TEXT(stem("a\xC3\xA9\xC3\xA9"
                    "ed",
                    FT__PORTER_NLTK),
               "a\xC3\xA9"); /* a double consonant */
    CHECK_TEXT(stem("\xFF\xFE\x80ing", FT__PORTER_NLTK), "\xFF\xFE\x80ing");
    char *text = (char *)malloc(1000000);
    memset(text, 'y', 1000000);
    CHECK_INT(ft__porter(text, 1000000, FT__PORTER_NLTK), 1000000);
    free(text);
}

TEST(porter, metric) {
    CHECK_TEXT(metric_answer("{\"metric\": \"porter_stem\", \"input\": {\"words\": [\"Dying\", "
                             "\"dying\", \"WALKS\", \"\"]}}"),
               "{\"value\":{\"stems\":[\"dy\",\"die\",\"walk\",\"\"]}}");
    CHECK(strstr(metric_answer("{\"metric\": \"porter_stem\", \"params\": {\"mode\": \"X\"}, "
                               "\"input\": {\"words\": []}}"),
                 "error") != NULL);
    check_metric_memory("{\"metric\": \"porter_stem\", \"input\": {\"words\": [\"Walks\"]}}");
}
