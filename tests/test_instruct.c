/* The checks of IFEval, one by one, with the traps of their patterns. */
#include "../src/eval/eval.h"
#include "test.h"

static int collect(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n);
    return 0;
}

/* What the metric says: 's' strictly followed, 'l' only loosely, '-' not; else the error's text. */
static const char *verdict_of(const char *id, const char *kwargs, const char *response, size_t n) {
    static char out[400];
    ft_allocator a = ft__allocator(NULL);
    ft__buf line, answer;
    ft__json_writer w;
    ft__buf_init(&line, &a);
    ft__buf_init(&answer, &a);
    ft__buf_printf(&line,
        "{\"metric\": \"ifeval\", \"params\": {\"instruction_id\": \"%s\", \"kwargs\": %s}, "
                          "\"input\": {\"response\": ", id, kwargs);
    ft__json_writer_init(&w, &line, 0);
    ft__json_string(&w, response, n);
    ft__buf_text(&line, "}}");
    CHECK(ft_metric(line.data, line.len, NULL, collect, &answer, NULL) == FT_OK);
    snprintf(out, sizeof out, "%s", answer.data);
    if (strstr(out, "\"followed\":true")) strcpy(out, "s");
    else if (strstr(out, "\"followed_loose\":true")) strcpy(out, "l");
    else if (strstr(out, "\"followed_loose\":false")) strcpy(out, "-");
    ft__buf_free(&line);
    ft__buf_free(&answer);
    return out;
}

static const char *verdict(const char *id, const char *kwargs, const char *response) {
    return verdict_of(id, kwargs, response, strlen(response));
}

typedef struct sample {
    const char *kwargs, *response, *expected;
} sample;

static void check(const char *id, const sample *samples, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *got = verdict(id, samples[i].kwargs, samples[i].response);
        if (strcmp(got, samples[i].expected) != 0)
            test_note("%s %s: %s", id, samples[i].kwargs, samples[i].response);
        CHECK_TEXT(got, samples[i].expected);
    }
}
#define CHECK_ALL(id, samples) check(id, samples, FT__COUNT(samples))

TEST(instruct, keywords) {
    static const sample existence[] = {
        {"{\"keywords\": [\"Rain\", \"sn.w\"]}", "rainy days and SNOW", "s"},
        {"{\"keywords\": [\"rain\", \"sun\"]}", "rainy days", "-"},
        {"{\"keywords\": [\"a b\"]}", "a*b a* b", "l"},
        {"{\"keywords\": []}", "anything", "s"},
        {"{\"keywords\": []}", " \n", "-"},
    };
    static const sample forbidden[] = {
        {"{\"forbidden_words\": [\"cat\"]}", "concatenate Cats", "s"},
        {"{\"forbidden_words\": [\"cat\"]}", "a CAT.", "-"},
        {"{\"forbidden_words\": [\"cat\"]}", "a_cat cat_ cat9", "s"},
        {"{\"forbidden_words\": [\"cat\"]}", "the cat\nis gone", "l"},
        {"{\"forbidden_words\": [\"\xC3\xA9t\xC3\xA9\"]}", "\xC3\x89T\xC3\x89", "-"},
    };
    static const sample letter[] = {
        {"{\"letter\": \"a\", \"let_frequency\": 3, \"let_relation\": \"at least\"}", "Aaa", "s"},
        {"{\"letter\": \"A\", \"let_frequency\": 3, \"let_relation\": \"less than\"}", "Aaa", "-"},
        {"{\"letter\": \"#\", \"let_frequency\": 2, \"let_relation\": \"at least\"}", "# ##", "s"},
        {"{\"letter\": \"\xC3\xA9\", \"let_frequency\": 2, \"let_relation\": \"at least\"}",
         "\xC3\x89t\xC3\xA9", "s"},
    };
    CHECK_ALL("keywords:existence", existence);
    CHECK_ALL("keywords:forbidden_words", forbidden);
    CHECK_ALL("keywords:letter_frequency", letter);
}

TEST(instruct, keywords_that_are_counted) {
    static const sample frequency[] = {
        {"{\"keyword\": \"aa\", \"frequency\": 2, \"relation\": \"at least\"}", "aAaa", "s"},
        {"{\"keyword\": \"aa\", \"frequency\": 3, \"relation\": \"at least\"}", "aAaaa", "-"},
        {"{\"keyword\": \"to\", \"frequency\": 2, \"relation\": \"less than\"}", "to town", "-"},
        {"{\"keyword\": \"x*\", \"frequency\": 4, \"relation\": \"less than\"}", "axb", "-"},
        {"{\"keyword\": \"x*\", \"frequency\": 5, \"relation\": \"less than\"}", "axb", "s"},
    };
    static const sample sections[] = {
        {"{\"section_spliter\": \"Part\", \"num_sections\": 2}", "Part 1\nx\nPart2 y", "s"},
        {"{\"section_spliter\": \"Part\", \"num_sections\": 2}", "Part 1\nx\npart 2 y", "-"},
        {"{\"section_spliter\": \"Part\", \"num_sections\": 1}", "Part  1", "-"},
        {"{\"section_spliter\": \" Part \", \"num_sections\": 1}", "xPart 1y", "s"},
        {"{\"section_spliter\": \"Part\", \"num_sections\": 0}", "none", "s"},
    };
    CHECK_ALL("keywords:frequency", frequency);
    CHECK_ALL("detectable_format:multiple_sections", sections);
}

TEST(instruct, lengths) {
    static const sample sentences[] = {
        {"{\"num_sentences\": 2, \"relation\": \"at least\"}", "See Dr. Lee. Go!", "s"},
        {"{\"num_sentences\": 2, \"relation\": \"less than\"}", "See Dr. Lee.\nGo!", "l"},
    };
    static const sample words[] = {
        {"{\"num_words\": 9, \"relation\": \"less than\"}",
         "don't 3.14 e-mail a_b \xE6\x97\xA5\xE6\x9C\xAC", "s"},
        {"{\"num_words\": 8, \"relation\": \"at least\"}",
         "don't 3.14 e-mail a_b \xE6\x97\xA5\xE6\x9C\xAC", "s"},
    };
    static const sample paragraphs[] = {
        {"{\"num_paragraphs\": 2}", "one\n***\ntwo", "s"},
        {"{\"num_paragraphs\": 2}", "one *** two ***", "s"},
        {"{\"num_paragraphs\": 2}", "*** one***two", "s"},
        {"{\"num_paragraphs\": 2}", "one *** *** two", "-"},
        {"{\"num_paragraphs\": 2}", "one ****** two", "-"},
        {"{\"num_paragraphs\": 2}", "one * * * two", "-"},
        {"{\"num_paragraphs\": 1}", "intro\n***\ntext", "l"},
    };
    static const sample nth[] = {
        {"{\"num_paragraphs\": 2, \"nth_paragraph\": 2, \"first_word\": \"Two\"}",
         "one\n\n'\"two!x", "s"},
        {"{\"num_paragraphs\": 2, \"nth_paragraph\": 2, \"first_word\": \"two\"}", "one\n\n\"'two",
         "-"},
        {"{\"num_paragraphs\": 2, \"nth_paragraph\": 2, \"first_word\": \"two\"}", "one\n\n\n\ntwo",
         "-"},
        {"{\"num_paragraphs\": 2, \"nth_paragraph\": 3, \"first_word\": \"two\"}", "one\n\n\n\ntwo",
         "-"},
        {"{\"num_paragraphs\": 2, \"nth_paragraph\": 1, \"first_word\": \"o\"}", "o.ne\n\ntwo",
         "s"},
        {"{\"num_paragraphs\": 2, \"nth_paragraph\": 1, \"first_word\": \"one\"}", "one\ntwo", "-"},
        {"{\"num_paragraphs\": 1, \"nth_paragraph\": 1, \"first_word\": \"**a\"}", "**A b", "s"},
        {"{\"num_paragraphs\": 1, \"nth_paragraph\": 1, \"first_word\": \"a\"}", "**A b", "l"},
    };
    CHECK_ALL("length_constraints:number_sentences", sentences);
    CHECK_ALL("length_constraints:number_words", words);
    CHECK_ALL("length_constraints:number_paragraphs", paragraphs);
    CHECK_ALL("length_constraints:nth_paragraph_first_word", nth);
}

TEST(instruct, content) {
    static const sample placeholders[] = {
        {"{\"num_placeholders\": 2}", "[a] and [b [c]", "s"},
        {"{\"num_placeholders\": 3}", "[a] and [b [c]]", "-"},
        {"{\"num_placeholders\": 1}", "[a\nb]", "-"},
        {"{\"num_placeholders\": 1}", "[a\n[]", "s"},
    };
    static const sample postscript[] = {
        {"{\"postscript_marker\": \"P.S.\"}", "text p. s. more", "s"},
        {"{\"postscript_marker\": \"P.S.\"}", "P.S more", "-"},
        {"{\"postscript_marker\": \"P.S.\"}", "P.\xC2\xA0S.", "s"},
        {"{\"postscript_marker\": \"P.S.\"}", "P.  S.", "-"},
        {"{\"postscript_marker\": \"P.P.S\"}", "soup.p.s", "s"},
        {"{\"postscript_marker\": \"P.P.S\"}", "P.S. x", "-"},
        {"{\"postscript_marker\": \"Note:\"}", "a\nnote: b", "s"},
        {"{\"postscript_marker\": \"Note:\"}", "a\nnote b", "-"},
    };
    CHECK_ALL("detectable_content:number_placeholders", placeholders);
    CHECK_ALL("detectable_content:postscript", postscript);
}

TEST(instruct, lists_and_marks) {
    static const sample bullets[] = {
        {"{\"num_bullets\": 2}", "* a\n  - b", "s"},
        {"{\"num_bullets\": 1}", "\n\n \xE2\x80\xA8* a", "s"},
        {"{\"num_bullets\": 0}", "** a\ntext * b\n+ c", "s"},
        {"{\"num_bullets\": 1}", "---", "s"},
        {"{\"num_bullets\": 1}", "*\n* b", "s"}, /* the line end is behind the star */
        {"{\"num_bullets\": 2}", "*\n- b", "s"},
        {"{\"num_bullets\": 0}", "*", "s"},
        {"{\"num_bullets\": 3}", "- a\n\n\n-\n-b", "s"},
    };
    static const sample highlights[] = {
        {"{\"num_highlights\": 2}", "*a* **b**", "s"}, /* both patterns: one each */
        {"{\"num_highlights\": 3}", "*a* **b**", "-"},
        {"{\"num_highlights\": 1}", "* * ** ** ****", "-"},
        {"{\"num_highlights\": 1}", "*a\nb*", "-"},
        {"{\"num_highlights\": 2}", "*a*b*c*", "s"},
        {"{\"num_highlights\": 1}", "***a***", "s"},
        {"{\"num_highlights\": 2}", "***a***", "s"}, /* "*a*" and "**a**" */
        {"{\"num_highlights\": 3}", "***a***", "-"},
    };
    static const sample title[] = {
        {"{}", "<<a>>", "s"},
        {"{}", "x <<a\nb>>", "-"},
        {"{}", "<<>>", "-"},
        {"{}", "<<<>>>", "-"},
        {"{}", "<< >>", "-"},
        {"{}", "<<>>\n<<*>>", "s"},
        {"{}", ">> <<a >>>", "s"},
        {"{}", "<<a>", "-"},
    };
    CHECK_ALL("detectable_format:number_bullet_lists", bullets);
    CHECK_ALL("detectable_format:number_highlighted_sections", highlights);
    CHECK_ALL("detectable_format:title", title);
}

TEST(instruct, json) {
    static const sample json[] = {
        {"{}", "{\"a\": [1, -2.5e+3, {\"b\": null}], \"a\": \"\\u00e9\\ud800\\n\"}", "s"},
        {"{}", " ```json\n[NaN, -Infinity, Infinity, 1e999]\n``` ", "s"},
        {"{}", "```JSON [] ```", "s"},
        {"{}", "```{}", "s"},
        {"{}", "{}```", "s"},
        {"{}", "\"text\"", "s"},
        {"{}", "true", "s"},
        {"{}", "[1,]", "-"},
        {"{}", "{\"a\" 1}", "-"},
        {"{}", "{\"a\": 1,}", "-"},
        {"{}", "{a: 1}", "-"},
        {"{}", "[1}", "-"},
        {"{}", "[[]", "-"},
        {"{}", "[]]", "-"},
        {"{}", "01", "-"},
        {"{}", "1.", "-"},
        {"{}", "-", "-"},
        {"{}", "+1", "-"},
        {"{}", "\"a\nb\"", "-"},
        {"{}", "\"\\x\"", "-"},
        {"{}", "\"\\u12g4\"", "-"},
        {"{}", "\"a", "-"},
        {"{}", "{\"a\":", "-"},
        {"{}", "-NaN", "-"},
        {"{}", "1NaN", "-"},
        {"{}", "\xEF\xBB\xBF{}", "-"},
        {"{}", "Here:\n{}", "l"},
        {"{}", "**1**", "l"},
    };
    CHECK_ALL("detectable_format:json_format", json);
}

TEST(instruct, combination_and_ends) {
    static const sample two[] = {
        {"{}", "a******b", "s"},
        {"{}", "****** a ****** b ******", "s"},
        {"{}", "a******a ", "-"},
        {"{}", "a************b", "-"},
        {"{}", "a******b******c", "-"},
        {"{}", "a", "-"},
    };
    static const sample repeat[] = {
        {"{\"prompt_to_repeat\": \" Say HI. \"}", "\n say hi. Hi!", "s"},
        {"{\"prompt_to_repeat\": \"Say hi.\"}", "Sure!\nSay hi. Hi!", "l"},
        {"{\"prompt_to_repeat\": \"Say hi.\"}", "Say h", "-"},
    };
    static const sample end[] = {
        {"{\"end_phrase\": \"The End.\"}", "x \"the end.\" ", "s"},
        {"{\"end_phrase\": \"The End.\"}", "x the end", "-"},
        {"{\"end_phrase\": \"end\"}", "the *end*", "l"},
    };
    static const sample quotation[] = {
        {"{}", " \"a\" ", "s"}, {"{}", "\"", "-"}, {"{}", "\"\"", "s"}, {"{}", "*\"a\"*", "l"},
        {"{}", "\xE2\x80\x9C" "a\xE2\x80\x9D", "-"},
    };
    static const sample constrained[] = {
        {"{}", "So: My answer is maybe. Yes.", "s"},
        {"{}", "my answer is yes.", "-"},
        {"{}", "My answer *is* no.", "l"},
    };
    static const sample comma[] = {{"{}", "a; b", "s"}, {"{}", "a, b\nc", "l"}, {"{}", "a, b",
        "-"}};
    CHECK_ALL("combination:two_responses", two);
    CHECK_ALL("combination:repeat_prompt", repeat);
    CHECK_ALL("startend:end_checker", end);
    CHECK_ALL("startend:quotation", quotation);
    CHECK_ALL("detectable_format:constrained_response", constrained);
    CHECK_ALL("punctuation:no_comma", comma);
}

/* How many words in capitals there are, by bisection of the limit. */
static int capitals(const char *text) {
    for (int n = 0; n < 50; n++) {
        char kwargs[80];
        snprintf(kwargs, sizeof kwargs,
            "{\"capital_frequency\": %d, \"capital_relation\": \"less than\"}",
                 n + 1);
        if (strcmp(verdict("change_case:capital_word_frequency", kwargs, text), "s") == 0) return n;
    }
    return -1;
}

TEST(instruct, capital_words) {
    CHECK_INT(capitals("none Here at All 42"), 0);
    CHECK_INT(capitals("I SEE A1, B-2 and U.S.A. (NATO)"), 6);
    CHECK_INT(capitals("DON'T IT'S WE'LL Don'T"), 6);
    CHECK_INT(capitals("WELL-KNOWN X-Ray"), 1);
    CHECK_INT(capitals("R&D AT&T A,B A:B"), 8);
    CHECK_INT(capitals("1,000A 5:3B"), 2);
    CHECK_INT(capitals("YES...NO A--B C..D"), 6);
    CHECK_INT(capitals("CANNOT GONNA 'TIS CANNOT."), 8);
    CHECK_INT(capitals("'A' 'AB' STUDENTS'"), 3);
    CHECK_INT(capitals("O'CLOCK O'B ROCK'N'ROLL"), 4);
    CHECK_INT(capitals("\xC3\x89T\xC3\x89 \xD0\x94\xD0\x90 \xC3\xA9T"), 2);
    CHECK_INT(capitals("'"), 0);
}

TEST(instruct, cases_and_languages) {
    static const sample upper[] = {
        {"{}", "THE DOG AND THE CAT ARE IN THE HOUSE. 12 \xE2\x85\xA7", "s"},
        {"{}", "THE DOG AND THE CAT ARE IN THE HOUSe.", "-"},
        {"{}", "IT IS 20\xC2\xBA WARM", "-"}, /* the ordinal sign is a small letter */
        {"{}", "DER HUND UND DIE KATZE SIND IM HAUS.", "-"},
        {"{}", "12", "-"},
    };
    static const sample lower[] = {
        {"{}", "the dog and the cat are in the house.", "s"},
        {"{}", "The dog\nand the cat are in the house.", "l"},
        {"{}", "der hund und die katze sind im haus.", "-"},
        {"{}", "\xC7\x85 the dog is in the house", "-"}, /* a title-case letter */
    };
    static const sample language[] = {
        {"{\"language\": \"de\"}", "Der Hund und die Katze sind im Haus.", "s"},
        {"{\"language\": \"en\"}", "Der Hund und die Katze sind im Haus.", "-"},
        {"{\"language\": \"de\"}", "123", "s"}, /* undetectable */
    };
    CHECK_ALL("change_case:english_capital", upper);
    CHECK_ALL("change_case:english_lowercase", lower);
    CHECK_ALL("language:response_language", language);
}

TEST(instruct, bad_instructions_are_errors) {
    static const char *const cases[][3] = {
        {"keywords:exist", "{}", "no instruction is called \\\"keywords:exist\\\""},
        {"keywords:existence", "null", "\\\"keywords\\\" must be a list of strings"},
        {"keywords:existence", "{\"keywords\": [1]}", "\\\"keywords\\\" must be a list of strings"},
        {"keywords:existence", "{\"keywords\": [\"no\", \"(\"]}", "\\\"(\\\": "},
        {"keywords:existence", "[]", "\\\"kwargs\\\" must be an object"},
        {"length_constraints:number_words", "{\"num_words\": 1.5, \"relation\": \"at least\"}",
         "\\\"num_words\\\" must be a whole number"},
        {"length_constraints:number_words", "{\"num_words\": 1, \"relation\": \"about\"}",
         "\\\"relation\\\" must be \\\"less than\\\" or"},
        {"length_constraints:nth_paragraph_first_word",
         "{\"num_paragraphs\": 2, \"nth_paragraph\": 0, \"first_word\": \"a\"}",
         "\\\"nth_paragraph\\\" must"},
        {"keywords:letter_frequency",
         "{\"letter\": \"ab\", \"let_frequency\": 1, \"let_relation\": \"at least\"}",
         "\\\"letter\\\" must be one character"},
        {"startend:end_checker", "{\"end_phrase\": null}", "\\\"end_phrase\\\" must be a string"},
    };
    for (size_t i = 0; i < FT__COUNT(cases); i++)
        for (int blank = 0; blank < 2; blank++) {
            const char *got = verdict(cases[i][0], cases[i][1], blank ? "" : "some (text");
            if (!strstr(got, "error") || !strstr(got, cases[i][2])) test_note("%s: %s", cases[i][0],
                got);
            CHECK(strstr(got, "error") && strstr(got, cases[i][2]));
        }
}

static ft_score judge(const char *params, const char *row_json, const char *output, size_t n) {
    ft_error err = {FT_OK, "", ""};
    ft_score s;
    ft_evaluator *e = ft_evaluator_create("instruction_following", params, NULL, &err);
    ft_row *row = ft_row_parse(row_json, strlen(row_json), NULL, &err);
    memset(&s, 0, sizeof s);
    if (CHECK(e && row)) CHECK_OK(ft_evaluate(e, row, output, n, &s, &err), err);
    ft_row_free(row);
    ft_evaluator_free(e);
    return s;
}

TEST(instruct, evaluator) {
    static const char ours[] =
        "{\"instructions\": [{\"id\": \"punctuation:no_comma\"}, "
        "{\"id\": \"startend:quotation\", \"kwargs\": {}}, {\"id\": \"keywords:existence\", "
        "\"kwargs\": {\"keywords\": [\"sea\"]}}]}";
    static const char theirs[] =
        "{\"instruction_id_list\": [\"punctuation:no_comma\", \"keywords:existence\"], "
        "\"kwargs\": [{}, "
        "{\"keywords\": [\"sea\"], \"letter\": null}]}";
    const char *text = "The *sea*, the *ship*.\nThe end";
    ft_score s = judge(NULL, ours, text, strlen(text));
    CHECK(s.state == FT_SCORED && !s.pass);
    CHECK_NEAR(s.value, 1.0 / 3, 1e-15);
    CHECK_TEXT(s.detail, "not followed: punctuation:no_comma, startend:quotation");
    s = judge("{\"mode\": \"loose\"}", ours, text, strlen(text));
    CHECK_NEAR(s.value, 2.0 / 3, 1e-15);
    s = judge("{\"mode\": \"loose\", \"all\": true}", ours, text, strlen(text));
    CHECK(s.value == 0 && s.state == FT_SCORED);
    s = judge("{\"all\": true}", theirs, "sea", 3);
    CHECK(s.value == 1 && s.pass && !s.detail[0]);
    s = judge(NULL, theirs, "a, b", 4);
    CHECK(s.value == 0);
    s = judge(NULL, ours, "", 0);
    CHECK(s.value == 0 && s.state == FT_SCORED);
}

TEST(instruct, bad_rows_are_errors) {
    static const char *const cases[][2] = {
        {"{}", "row has no \"instructions\""},
        {"{\"instructions\": []}", "\"instructions\" must be a list of at least one"},
        {"{\"instructions\": \"x\"}", "\"instructions\" must be a list of at least one"},
        {"{\"instructions\": [1]}", "\"id\" must be the name of an instruction"},
        {"{\"instructions\": [{\"id\": \"x\"}]}", "no instruction is called \"x\""},
        {"{\"instructions\": [{\"id\": \"startend:end_checker\"}]}",
         "startend:end_checker: \"end_phrase\" must be a string"},
        {"{\"instruction_id_list\": [\"startend:quotation\"], \"kwargs\": []}",
         "\"kwargs\" must be a list as long as \"instruction_id_list\""},
    };
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        ft_score s = judge(NULL, cases[i][0], "text", 4);
        CHECK_INT(s.state, FT_SCORE_ERROR);
        CHECK_TEXT(s.detail, cases[i][1]);
    }
}

/* Every check on texts that would make a careless one quadratic, and on bytes that are no text. */
TEST(instruct, long_and_odd_texts) {
    static const char *const checks[] = {
        "{\"id\": \"keywords:existence\", \"kwargs\": {\"keywords\": [\"q+z\"]}}",
        "{\"id\": \"keywords:forbidden_words\", \"kwargs\": {\"forbidden_words\": [\"qz\"]}}",
        "{\"id\": \"keywords:letter_frequency\", \"kwargs\": {\"letter\": \"a\", "
        "\"let_frequency\": 1, "
        "\"let_relation\": \"at least\"}}",
        "{\"id\": \"language:response_language\", \"kwargs\": {\"language\": \"en\"}}",
        "{\"id\": \"length_constraints:number_sentences\", \"kwargs\": {\"num_sentences\": 1, "
        "\"relation\": \"at least\"}}",
        "{\"id\": \"length_constraints:number_paragraphs\", \"kwargs\": {\"num_paragraphs\": 3}}",
        "{\"id\": \"length_constraints:number_words\", \"kwargs\": {\"num_words\": 1, "
        "\"relation\": "
        "\"at least\"}}",
        "{\"id\": \"length_constraints:nth_paragraph_first_word\", \"kwargs\": "
        "{\"num_paragraphs\": 1, "
        "\"nth_paragraph\": 1, \"first_word\": \"a\"}}",
        "{\"id\": \"detectable_content:number_placeholders\", \"kwargs\": {\"num_placeholders\": "
        "1}}",
        "{\"id\": \"detectable_content:postscript\", \"kwargs\": {\"postscript_marker\": "
        "\"P.S.\"}}",
        "{\"id\": \"detectable_format:number_bullet_lists\", \"kwargs\": {\"num_bullets\": 1}}",
        "{\"id\": \"detectable_format:number_highlighted_sections\", \"kwargs\": "
        "{\"num_highlights\": 1}}",
        "{\"id\": \"detectable_format:constrained_response\"}",
        "{\"id\": \"detectable_format:json_format\"}",
        "{\"id\": \"detectable_format:title\"}",
        "{\"id\": \"combination:two_responses\"}",
        "{\"id\": \"startend:end_checker\", \"kwargs\": {\"end_phrase\": \"a\"}}",
        "{\"id\": \"change_case:capital_word_frequency\", \"kwargs\": {\"capital_frequency\": 1, "
        "\"capital_relation\": \"at least\"}}",
        "{\"id\": \"change_case:english_capital\"}",
        "{\"id\": \"startend:quotation\"}",
    };
    static const char *const fills[] = {"\n", " ", "*", "<<", "[", "'A", "N'T", "p.", "{\"a\":",
        "\xFF",
                                        "a\n\n", "***\n", "<<a>>", "\xE2\x80\xA8", "\\"};
    enum { N = 200000 };
    char *text = (char *)malloc(N);
    for (size_t f = 0; f < FT__COUNT(fills); f++) {
        for (size_t i = 0; i < N; i++) text[i] = fills[f][i % strlen(fills[f])];
        for (size_t i = 0; i < FT__COUNT(checks); i++) {
            char row[400];
            double start = ft__seconds();
            snprintf(row, sizeof row, "{\"instructions\": [%s]}", checks[i]);
            ft_score s = judge("{\"mode\": \"loose\"}", row, text, N);
            CHECK_INT(s.state, FT_SCORED);
            double took = ft__seconds() - start;
            if (took > 1) test_note("%.1f s: %s on %s", took, checks[i], fills[f]);
            CHECK(took < 2);
        }
    }
    free(text);
}
