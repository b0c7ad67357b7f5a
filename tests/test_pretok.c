/* Pre-tokenizers: cuts by hand, and the reference sets in ../shared. */
#include "test.h"
#include "../src/text/text.h"

/* ---- pieces as "a|b|c" */

typedef struct pieces {
    const char *text;
    size_t n, at;
    char joined[2048];
    size_t len;
    bool ok; /* not empty, and one after the other */
} pieces;

static bool take(void *user, const char *text, size_t n) {
    pieces *p = (pieces *)user;
    p->ok = p->ok && n > 0 && text == p->text + p->at;
    p->at += n;
    p->n++;
    if (p->len + n + 1 < sizeof p->joined) {
        if (p->len) p->joined[p->len++] = '|';
        memcpy(p->joined + p->len, text, n);
        p->len += n;
        p->joined[p->len] = 0;
    }
    return true;
}

static const char *cut_n(const char *name, const char *text, size_t n) {
    static pieces p;
    const ft__pretok *pretok = ft__pretok_find(name, strlen(name));
    memset(&p, 0, sizeof p);
    p.text = text;
    p.ok = true;
    if (!CHECK(pretok != NULL)) return "";
    CHECK(ft__pretok_split(pretok, text, n, take, &p));
    CHECK(p.ok);
    CHECK_INT(p.at, n);
    return p.joined;
}

static const char *cut(const char *name, const char *text) { return cut_n(name, text, strlen(text)); }

TEST(pretok, names) {
    CHECK(ft__pretok_find("llama", 5) == NULL);
    CHECK(ft__pretok_find("", 0) == NULL);
    CHECK(ft__pretok_find("qwen2x", 5)->flags == FT__PRETOK_NFC);
    CHECK_INT(ft__pretok_find("llama-bpe", 9)->flags, FT__PRETOK_WHOLE | FT__PRETOK_BOS);
    CHECK_INT(ft__pretok_find("smaug-bpe", 9)->flags, 0);
}

TEST(pretok, by_hand) {
    CHECK_TEXT(cut("gpt-2", "I'm 1234  ok,\n\n we'LL"), "I|'m| 1234| | ok|,|\n\n| we|'|LL");
    CHECK_TEXT(cut("starcoder", "a 123"), "a| |1|2|3");
    CHECK_TEXT(cut("llama-bpe", "I'M 1234567\tgo !!\n\n  x  "), "I|'M| |123|456|7|\tgo| !!\n\n| | x|  ");
    CHECK_TEXT(cut("llama-bpe", " \r\n \n  a"), " \r\n \n| | a");
    CHECK_TEXT(cut("qwen2", "e\xCC\x81 12"), "e|\xCC\x81| |1|2");
    CHECK_TEXT(cut("qwen35", "e\xCC\x81 12"), "e\xCC\x81| |1|2");
    CHECK_TEXT(cut("gpt-4o", "HTMLParser isn'T a/\nb"), "HTMLParser| isn'T| a|/\n|b");
    CHECK_TEXT(cut("gpt-4o", "\xC3\x89" "COLE\xC3\xA9" "cole ABC"), "\xC3\x89" "COLE\xC3\xA9" "cole| ABC");
    CHECK_TEXT(cut("tekken", "isn't aB"), "isn|'t| a|B");
    CHECK_TEXT(cut("deepseek-v3", "1234 /usr ok.\n"), "123|4| /|usr| ok|.\n");
    CHECK_TEXT(cut("falcon", "ab12345.c"), "ab|123|45|.|c");
    CHECK_TEXT(cut("superbpe", "by 1234567 and 12"), "by |1|234|567| and |12");
    CHECK_TEXT(cut("tiny_aya", "1234567 1234a 12"), "1|234|567| |123|4|a| |12");
    /* Roman VIII is a number and a letter: no word ends before it, so the digit is not one by itself */
    CHECK_TEXT(cut("tiny_aya", "-\xE0\xAF\xA7\xE2\x85\xA7"), "-|\xE0\xAF\xA7\xE2\x85\xA7");
    CHECK_TEXT(cut("afmoe", "1234567a"), "1|234|567|a");
    CHECK_TEXT(cut("afmoe", "12"), "12");
    CHECK_TEXT(cut("deepseek-v3", "a /b(c"), "a| /|b|(c");
    CHECK_TEXT(cut("chameleon", "s<sentinel:1>IMGIMGAZ  x"), "s|<|sentinel|:|1|>|IMGIMGAZ|  |x");
    CHECK_TEXT(cut("chameleon", "IMGIMGABCDEZ IMGIMGZ"), "IMGIMGABCDEZ| IMGIMGZ");
    CHECK_TEXT(cut("qwen2", "it'\xC5\xBFx"), "it|'\xC5\xBF|x"); /* a long s is an s, either case */
    CHECK_TEXT(cut("qwen2", ""), "");
}

/* Bad bytes are characters of their own, and nothing gets lost. */
TEST(pretok, any_bytes) {
    static const char *const names[] = {
        "default", "gpt-2", "starcoder", "llama-bpe", "qwen2", "qwen35", "gpt-4o", "tekken", "falcon",
        "deepseek-llm", "deepseek-coder", "deepseek-v3", "poro-chat", "viking", "kimi-k2", "jais-2",
        "seed-coder", "superbpe", "chameleon", "tiny_aya", "youtu", "exaone-moe", "afmoe"};
    static const char bits[] = "  \n\r\taB'sL12345.,/\xC3\xA9\xE2\x80\x83\xCC\x81\xE6\xBC\xA2\xFF\xF4\x90";
    uint64_t state = 3;
    for (size_t k = 0; k < FT__COUNT(names); k++)
        for (int round = 0; round < 300; round++) {
            char text[64];
            size_t n = (size_t)round % 60;
            for (size_t i = 0; i < n; i++) {
                state = state * 6364136223846793005u + 1442695040888963407u;
                text[i] = bits[(state >> 33) % (sizeof bits - 1)];
            }
            cut_n(names[k], text, n);
        }
    CHECK_TEXT(cut("llama-bpe", "a\xFFz"), "a|\xFFz");
}

static bool count(void *user, const char *text, size_t n) {
    (void)text;
    *(size_t *)user += n;
    return true;
}

TEST(pretok, is_linear) {
    static const char *const units[] = {" ", "\n", "a", "A", "1", "=", " \n", "\xE6\xBC\xA2", "\xCC\x81",
                                        "aB", " a", "'", "<sentinel:1", "\t", "\xE3\x80\x80", "Aa\xCC\x81"};
    static const char *const names[] = {
        "default", "gpt-2", "llama-bpe", "qwen35", "gpt-4o", "falcon", "deepseek-llm", "deepseek-v3",
        "kimi-k2", "jais-2", "superbpe", "chameleon", "tiny_aya", "youtu", "exaone-moe", "afmoe"};
    size_t size = 1 << 18;
    char *text = (char *)malloc(size + 16);
    double start = ft__seconds(), worst = 0;
    for (size_t u = 0; u < FT__COUNT(units); u++) {
        size_t n = 0, unit = strlen(units[u]);
        while (n < size) memcpy(text + n, units[u], unit), n += unit;
        text[n++] = 'x';
        for (size_t k = 0; k < FT__COUNT(names); k++) {
            size_t total = 0;
            double began = ft__seconds();
            CHECK(ft__pretok_split(ft__pretok_find(names[k], strlen(names[k])), text, n, count, &total));
            CHECK_INT(total, n);
            if (ft__seconds() - began > worst) worst = ft__seconds() - began;
        }
    }
    test_note("the slowest of %d: %.1f MB/s", (int)(FT__COUNT(units) * FT__COUNT(names)),
              (double)size / 1e6 / worst);
    CHECK(ft__seconds() - start < 60);
    free(text);
}

/* ---- the reference sets */

static bool same_pieces(const char *name, const ft__json *text, const ft__json *expected) {
    char joined[2048];
    size_t len = 0;
    joined[0] = 0;
    for (const ft__json *piece = expected->child; piece; piece = piece->next) {
        if (len + piece->text_len + 2 >= sizeof joined) break;
        if (len) joined[len++] = '|';
        memcpy(joined + len, piece->text, piece->text_len);
        len += piece->text_len;
        joined[len] = 0;
    }
    const char *got = cut_n(name, text->text, text->text_len);
    if (len + 100 > sizeof joined) return memcmp(got, joined, len - 100) == 0;
    bool same = CHECK_TEXT(got, joined);
    if (!same) test_note("%s", name);
    return same;
}

static void check_rows(const char *path, const char *name, long *rows, long *same) {
    size_t size;
    ft__jsonl lines;
    char *file = test_read(path, &size);
    if (!CHECK(file != NULL)) return;
    ft__jsonl_init(&lines, file, size, path);
    for (;;) {
        ft__arena arena;
        ft__json *row;
        ft_error err;
        ft__arena_init(&arena, NULL);
        bool more = CHECK_OK(ft__jsonl_next(&lines, &arena, &row, &err), err) && row;
        if (more && name) {
            *rows += 1;
            *same += same_pieces(name, ft__json_get(row, "text"), ft__json_get(row, "pieces"));
        } else if (more && strcmp(ft__json_get(row, "why")->text, "split") == 0) {
            *rows += 1;
            *same += same_pieces(ft__json_get(row, "pre")->text, ft__json_get(row, "text"),
                                 ft__json_get(row, "published"));
        }
        ft__arena_free(&arena);
        if (!more) break;
    }
    free(file);
}

TEST(pretok, shared_splits) {
    static const char *const names[] = {
        "bailingmoe", "chameleon", "deepseek-coder", "deepseek-llm", "deepseek-v3", "default",
        "exaone-moe", "falcon", "gpt-2", "gpt-4o", "jais-2", "kimi-k2", "llama-bpe", "poro-chat",
        "qwen2", "qwen35", "seed-coder", "starcoder", "superbpe", "tekken", "tiny_aya", "viking", "youtu"};
    if (!test_shared("tokenizers/splits")) SKIP("no ../shared");
    long rows = 0, same = 0;
    for (size_t k = 0; k < FT__COUNT(names); k++) {
        char path[128];
        snprintf(path, sizeof path, "tokenizers/splits/%s.jsonl", names[k]);
        check_rows(test_shared(path), names[k], &rows, &same);
    }
    test_note("%ld of %ld", same, rows);
    CHECK(rows > 15000 && same == rows);
}

/* Where the engines differ from the published patterns. */
TEST(pretok, shared_divergent_splits) {
    const char *path = test_shared("tokenizers/divergent.jsonl");
    if (!path) SKIP("no ../shared");
    long rows = 0, same = 0;
    check_rows(path, NULL, &rows, &same);
    test_note("%ld of %ld", same, rows);
    CHECK(rows > 500 && same == rows);
}

/* Every name in the reference is known, and the files of one class are cut alike. */
TEST(pretok, shared_names) {
    const char *path = test_shared("tokenizers/pretokenizers.json");
    if (!path) SKIP("no ../shared");
    size_t size;
    char *file = test_read(path, &size);
    ft__arena arena;
    ft__json *all;
    ft_error err;
    ft__arena_init(&arena, NULL);
    if (CHECK_OK(ft__json_parse(file, size, path, 1, &arena, &all, &err), err))
        for (const ft__json *c = all->child; c; c = c->next)
            for (const ft__json *n = ft__json_get(c, "names")->child; n; n = n->next)
                if (!CHECK(ft__pretok_find(n->text, n->text_len) != NULL)) test_note("%s", n->text);
    ft__arena_free(&arena);
    free(file);
}
