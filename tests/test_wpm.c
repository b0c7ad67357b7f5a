/* WordPiece on a small vocabulary of our own; the reference set is in test_tokenizer.c. */
#include "test.h"
#include "../src/text/text.h"

#define WORD "\xE2\x96\x81"

static const char *const spellings[] = {
    "[UNK]", "[CLS]", "[SEP]", WORD "a", WORD "ab", "b", "bc", WORD "e", WORD ",", WORD "$",
    WORD "\xE6\xBC\xA2", "\xCF\x83", WORD "\xCF\x83", "a"};
enum { N = sizeof spellings / sizeof spellings[0] };

static void make(ft__vocab_parts *parts, ft__gguf_str *tokens, int32_t *types) {
    for (int i = 0; i < N; i++) {
        tokens[i].data = spellings[i];
        tokens[i].len = strlen(spellings[i]);
        types[i] = i < 3 ? FT__TOKEN_CONTROL : FT__TOKEN_NORMAL;
    }
    ft__vocab_parts_init(parts);
    parts->model = "bert";
    parts->tokens = tokens;
    parts->n_tokens = N;
    parts->types = types;
    parts->unk = 0;
    parts->bos = 1;
    parts->eos = 2;
}

static const char *tokenized(const ft__vocab *v, const char *text, unsigned flags) {
    static char out[256];
    int32_t ids[64];
    size_t n = 0, len = 0;
    ft_error err;
    out[0] = 0;
    CHECK_OK(ft__vocab_tokenize(v, text, strlen(text), flags, ids, 64, &n, &err), err);
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(out + len, sizeof out - len, i ? " %d" : "%d", (int)ids[i]);
    return out;
}

TEST(wpm, words) {
    ft__vocab_parts parts;
    ft__gguf_str tokens[N];
    int32_t types[N];
    ft__vocab *v;
    ft_error err;
    make(&parts, tokens, types);
    if (!CHECK_OK(ft__vocab_build(&v, &parts, NULL, &err), err)) return;
    CHECK_TEXT(tokenized(v, "ab", 0), "1 4 2");
    CHECK_TEXT(tokenized(v, "abc  ABB\tab", 1), "0 4 5 4"); /* longest first: ab, then no c */
    CHECK_TEXT(tokenized(v, "abbc", 1), "4 6");
    CHECK_TEXT(tokenized(v, "a,\xC3\xA9$e\xCC\x81", 1), "3 8 7 9 7"); /* accents go */
    CHECK_TEXT(tokenized(v, "a\xE6\xBC\xA2" "a", 1), "3 10 3");
    CHECK_TEXT(tokenized(v, "\xCE\xA3\xCE\xA3", 1), "12 11");          /* no final sigma */
    CHECK_TEXT(tokenized(v, "a\x01\xEF\xBF\xBD\xFF\xE2\x80\x8B" "b", 1), "4"); /* dropped */
    CHECK_TEXT(tokenized(v, "[SEP]a", 1 | FT_TOKENIZE_PARSE_SPECIAL), "2 3");
    CHECK_TEXT(tokenized(v, " \n", 1), "");
    CHECK(!ft__vocab_is_end(v, 2)); /* a separator */
    ft__vocab_free(v);
    parts.unk = -1;
    CHECK_ERROR(ft__vocab_build(&v, &parts, NULL, &err), FT_ERR_FORMAT, err, "unknown_token_id is missing");
}

TEST(wpm, survives_want_of_memory) {
    ft__vocab_parts parts;
    ft__gguf_str tokens[N];
    int32_t types[N];
    ft_status status = FT_ERR_MEMORY;
    long tries = 0;
    make(&parts, tokens, types);
    for (; status && tries < 100; tries++) {
        test_memory memory = {0, 0, tries + 1};
        ft_allocator a = test_allocator(&memory);
        int32_t ids[64];
        size_t n;
        ft__vocab *v;
        ft_error err;
        status = ft__vocab_build(&v, &parts, &a, &err);
        if (!status) status = ft__vocab_tokenize(v, "abbc a, zz", 10, 0, ids, 64, &n, &err);
        if (status) CHECK_ERROR(status, FT_ERR_MEMORY, err, NULL);
        ft__vocab_free(v);
        CHECK_INT(memory.live, 0);
    }
    CHECK(!status && tries > 4);
}
