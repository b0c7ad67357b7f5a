/* Tokenizers of machine translation metrics, and the counting of n-grams against a plain one. */
#include "../src/eval/eval.h"
#include "test.h"

/* The tokens of the last text, with | between them; static. */
static const char *tokens(const ft__mt_texts *t) {
    static char out[4096];
    size_t n, used = 0;
    const uint32_t *ids = ft__mt_ids(t, t->n - 1, &n);
    out[0] = 0;
    for (size_t i = 0; i < n && used < sizeof out - 256; i++) {
        ft__view v = t->words.texts[ids[i] - 1];
        used += (size_t)snprintf(out + used, sizeof out - used, "%s%.*s", i ? "|" : "", (int)v.n,
                                 v.text);
    }
    return out;
}

static ft__view view(const char *text) {
    ft__view v = {text, strlen(text)};
    return v;
}

static const char *cut(ft__mt_tokenizer tokenizer, const char *text) {
    ft_allocator a = ft__allocator(NULL);
    ft__mt_texts t;
    ft__mt_init(&t, &a);
    ft__mt_add(&t, view(text), tokenizer, false);
    CHECK(ft__mt_ok(&t));
    const char *out = tokens(&t);
    ft__mt_free(&t);
    return out;
}

static const char *cut_ter(unsigned flags, const char *text) {
    ft_allocator a = ft__allocator(NULL);
    ft__mt_texts t;
    ft__mt_init(&t, &a);
    ft__mt_add_ter(&t, view(text), flags);
    CHECK(ft__mt_ok(&t));
    const char *out = tokens(&t);
    ft__mt_free(&t);
    return out;
}

TEST(mt_tokens, none_and_char) {
    CHECK_TEXT(cut(FT__MT_NONE, " a,b\t c\xC2\xA0" "d \xE2\x80\x8B "), "a,b|c|d|\xE2\x80\x8B");
    CHECK_TEXT(cut(FT__MT_CHAR, "a b\xC3\xA9\xE3\x80\x80!"), "a|b|\xC3\xA9|!");
    CHECK_TEXT(cut(FT__MT_NONE, ""), "");
    CHECK_TEXT(cut(FT__MT_CHAR, " \n"), "");
}

TEST(mt_tokens, v13a) {
    CHECK_TEXT(cut(FT__MT_13A, "Well, (he) said: \"no\"."), "Well|,|(|he|)|said|:|\"|no|\"|.");
    CHECK_TEXT(cut(FT__MT_13A, "Ann's 1,000.5 a.b 3. .5 x.5 5.x"),
               "Ann's|1,000.5|a|.|b|3|.|.|5|x|.|5|5|.|x");
    CHECK_TEXT(cut(FT__MT_13A, "2-3 a-b 2- -2"), "2|-|3|a-b|2|-|-2");
    CHECK_TEXT(cut(FT__MT_13A, "&quot;a&amp;lt;b<skipped>-\nc"), "\"|a|<|bc");
    CHECK_TEXT(cut(FT__MT_13A, "one-\ntwo\nthree"), "onetwo|three");
}

/* Which mark of a run stays with the digit behind it depends on the length of the run. */
TEST(mt_tokens, runs_of_marks) {
    CHECK_TEXT(cut(FT__MT_13A, "a..5 a...5 1..5 1...5 1...a"),
               "a|.|.5|a|.|.|.|5|1|.|.|5|1|.|.|.5|1|.|.|.|a");
    CHECK_TEXT(cut(FT__MT_INTL, ".5"), ".5");
    CHECK_TEXT(cut(FT__MT_INTL, " .5"), ".|5");
    CHECK_TEXT(cut(FT__MT_INTL, "in 2020."), "in|2020.");
    CHECK_TEXT(cut(FT__MT_INTL, "in 2020.\n"), "in|2020.");
    CHECK_TEXT(cut(FT__MT_INTL, "in 2020?!"), "in|2020|?|!");
}

TEST(mt_tokens, intl) {
    CHECK_TEXT(cut(FT__MT_INTL, "don\xE2\x80\x99t \xE2\x82\xAC" "5 5\xC2\xBD-7"),
               "don|\xE2\x80\x99|t|\xE2\x82\xAC|5|5\xC2\xBD-7");
    CHECK_TEXT(cut(FT__MT_INTL, "&amp; a_b"), "&|amp|;|a|_|b");
}

TEST(mt_tokens, chrf_words) {
    CHECK_TEXT(cut(FT__MT_CHRF, "(hi) 'tis it's end. .. - \xC3\xA9!"),
               "(hi|)|'|tis|it's|end|.|.|.|-|\xC3\xA9|!");
}

TEST(mt_tokens, ter) {
    CHECK_TEXT(cut_ter(0, "A b, C\n-d"), "a|b,|c|-d");
    CHECK_TEXT(cut_ter(FT__TER_CASE, "A b"), "A|b");
    CHECK_TEXT(cut_ter(FT__TER_NORMALIZED, "Ann's ann's, 1.5-2 x\n-y &lt;"),
               "ann|'s|ann's|,|1.5|-|2|xy|<");
    CHECK_TEXT(cut_ter(FT__TER_NO_PUNCT, "a.b (c) ... d; e-f"), "ab|c|d|e-f");
    CHECK_TEXT(cut_ter(FT__TER_NORMALIZED | FT__TER_NO_PUNCT, "a.b 1.5, x"), "a|b|15|x");
    CHECK_TEXT(cut_ter(FT__TER_ASIAN, "\xE4\xB8\x80\xE4\xBA\x8C\xE3\x80\x82"),
               "\xE4\xB8\x80\xE4\xBA\x8C\xE3\x80\x82");
    CHECK_TEXT(cut_ter(FT__TER_ASIAN | FT__TER_NO_PUNCT, "\xE4\xB8\x80\xE4\xBA\x8C\xE3\x80\x82"),
               "\xE4\xB8\x80\xE4\xBA\x8C");
    CHECK_TEXT(cut_ter(FT__TER_ASIAN | FT__TER_NORMALIZED,
                       "\xE4\xB8\x80\xE4\xBA\x8C\xE3\x80\x82x\xE3\x81\x82\xE3\x81\x84"),
               "\xE4\xB8\x80|\xE4\xBA\x8C|\xE3\x80\x82|x\xE3\x81\x82\xE3\x81\x84");
}

TEST(mt_tokens, ter_references_are_cut_twice) {
    ft_allocator a = ft__allocator(NULL);
    ft__mt_texts t;
    ft__mt_init(&t, &a);
    ft__mt_add_ter_reference(&t, view("Ann's, Bob's"), FT__TER_NORMALIZED);
    CHECK_TEXT(tokens(&t), "ann|'s|,|bob|'s");
    ft__mt_add_ter_reference(&t, view("Ann's, Bob's"), 0);
    CHECK_TEXT(tokens(&t), "ann's,|bob's");
    ft__mt_add_ter_reference(&t, view(" "), FT__TER_NORMALIZED);
    CHECK_TEXT(tokens(&t), "");
    CHECK_INT(t.n, 3);
    ft__mt_free(&t);
}

TEST(mt_tokens, any_bytes) {
    ft_allocator a = ft__allocator(NULL);
    ft__mt_texts t;
    ft__view v = {"a\0b \xFF\xC3 \xE2\x80", 9};
    for (int tokenizer = 0; tokenizer <= FT__MT_CHRF; tokenizer++) {
        size_t n;
        ft__mt_init(&t, &a);
        ft__mt_add(&t, v, (ft__mt_tokenizer)tokenizer, true);
        CHECK(ft__mt_ok(&t));
        ft__mt_ids(&t, 0, &n);
        CHECK_INT(n, tokenizer == FT__MT_CHAR ? 7 : 3);
        ft__mt_free(&t);
    }
}

/* How often the n tokens at `ids` stand in a text. */
static uint64_t occurrences(const ft__mt_texts *t, size_t text, const uint32_t *ids, size_t n) {
    size_t length;
    uint64_t count = 0;
    const uint32_t *in = ft__mt_ids(t, text, &length);
    for (size_t i = 0; i + n <= length; i++) count += memcmp(in + i, ids, n * sizeof *ids) == 0;
    return count;
}

static uint64_t plain_overlap(const ft__mt_texts *t, size_t first, size_t n_refs, size_t order) {
    size_t length;
    uint64_t sum = 0;
    const uint32_t *ids = ft__mt_ids(t, 0, &length);
    for (size_t i = 0; i + order <= length; i++) {
        uint64_t most = 0, before = 0;
        for (size_t r = 0; r < n_refs; r++) {
            uint64_t count = occurrences(t, first + r, ids + i, order);
            if (count > most) most = count;
        }
        for (size_t j = 0; j < i; j++)
            before += memcmp(ids + j, ids + i, order * sizeof *ids) == 0;
        sum += before < most;
    }
    return sum;
}

/* A text of `n` words out of `vocabulary`. */
static ft__view random_text(ft__arena *arena, uint64_t seed, size_t n, int vocabulary) {
    ft__buf b;
    ft__buf_init(&b, &arena->allocator);
    for (uint32_t i = 0; i < n; i++)
        ft__buf_printf(&b, "w%d ", (int)(ft__random_unit(seed, 0, 0, i) * vocabulary));
    ft__view v = {ft__arena_text(arena, b.data ? b.data : "", b.len), b.len};
    ft__buf_free(&b);
    return v;
}

/* Small and large vocabularies, so that keys hold all orders or need several rounds. */
TEST(mt_tokens, overlap_equals_plain_counting) {
    ft_allocator a = ft__allocator(NULL);
    for (int round = 0; round < 24; round++) {
        enum { ORDERS = 17 };
        uint64_t got[ORDERS];
        int vocabulary = round % 3 == 0 ? 2 : round % 3 == 1 ? 12 : 400;
        ft__arena arena;
        ft__mt_texts t;
        ft__arena_init(&arena, &a);
        ft__mt_init(&t, &a);
        for (int i = 0; i < 4; i++) {
            size_t n = round == 5 && i == 2 ? 0 : round == 7 && i == 0 ? 3 : 40 + (size_t)i * 20;
            ft__view v = random_text(&arena, (uint64_t)(round * 4 + i), n, vocabulary);
            ft__mt_add(&t, v, FT__MT_NONE, false);
        }
        ft__mt_texts u; /* texts that have a long part in common */
        ft__mt_init(&u, &a);
        ft__view base = random_text(&arena, 1000 + (uint64_t)round, 90, vocabulary), part = base;
        part.n = base.n / 2;
        ft__mt_add(&u, base, FT__MT_NONE, false);
        ft__mt_add(&u, part, FT__MT_NONE, false);
        ft__mt_add(&u, base, FT__MT_NONE, false);
        for (int which = 0; which < 4; which++) {
            const ft__mt_texts *texts = which < 2 ? &t : &u;
            size_t first = which % 2 ? 2 : 1, n_refs = which == 0 ? 3 : 1;
            CHECK(ft__mt_overlap(texts, first, n_refs, ORDERS, got));
            for (size_t n = 1; n <= ORDERS; n++)
                CHECK_INT(got[n - 1], plain_overlap(texts, first, n_refs, n));
        }
        ft__mt_free(&t);
        ft__mt_free(&u);
        ft__arena_free(&arena);
    }
}

TEST(mt_tokens, memory_may_end) {
    for (long fail_at = 1; fail_at < 60; fail_at++) {
        test_memory memory = {0, 0, fail_at};
        ft_allocator a = test_allocator(&memory);
        uint64_t overlap[9];
        ft__mt_texts t;
        ft__mt_init(&t, &a);
        ft__mt_add(&t, view("Ann&lt;Bob, a b c \xC3\x89"), FT__MT_13A, true);
        ft__mt_add_ter_reference(&t, view("Ann's, b. c"), FT__TER_NORMALIZED | FT__TER_NO_PUNCT);
        ft__mt_add_chars(&t, view("a b"), true);
        bool ok = ft__mt_ok(&t) && ft__mt_overlap(&t, 1, 2, 9, overlap);
        ft__mt_free(&t);
        CHECK_INT(memory.live, 0);
        if (memory.requests < fail_at) {
            CHECK(ok);
            return;
        }
    }
    CHECK(false);
}
