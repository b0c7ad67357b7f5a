/* The expectations follow Python's re (random patterns were compared while this was written). */
#include "test.h"
#include "../src/eval/eval.h"

enum {
    I = FT__REGEX_IGNORE_CASE, S = FT__REGEX_DOT_ALL, M = FT__REGEX_MULTILINE, W = FT__REGEX_WHOLE
};

static int matches_n(const char *pattern, unsigned flags, const char *text, size_t n) {
    ft_error err = {FT_OK, "", ""};
    bool found = false;
    ft__regex *r = ft__regex_compile(pattern, strlen(pattern), flags, NULL, &err);
    if (!r) {
        test_note("%s: %s", pattern, err.message);
        return -1;
    }
    CHECK_OK(ft__regex_search(r, text, n, &found, &err), err);
    ft__regex_free(r);
    return found;
}

typedef struct row {
    const char *pattern;
    unsigned flags;
    const char *text;
    int expected;
} row;

static void check_rows(const row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int got = matches_n(rows[i].pattern, rows[i].flags, rows[i].text, strlen(rows[i].text));
        if (got != rows[i].expected)
            test_check(false, rows[i].pattern, rows[i].text, got);
    }
}
#define CHECK_ROWS(rows) check_rows(rows, FT__COUNT(rows))

TEST(regex, literals_and_repeats) {
    static const row rows[] = {
        {"", 0, "", 1}, {"", 0, "abc", 1}, {"", W, "abc", 0}, {"b", 0, "abc", 1},
        {"d", 0, "abc", 0},
        {"a|b|c", W, "c", 1}, {"a|b|c", W, "d", 0}, {"ab|cd", W, "acd", 0}, {"a||b", W, "", 1},
        {"(a|b)c", W, "bc", 1}, {"(?:a|b)c", W, "ac", 1}, {"(?P<n>a)(?<m>b)", W, "ab", 1},
        {"a*", W, "", 1}, {"a*", W, "aaa", 1}, {"a+", W, "", 0}, {"a+", W, "aaa", 1},
        {"a?b", W, "b", 1}, {"a?b", W, "aab", 0}, {"a{3}", W, "aaa", 1}, {"a{3}", W, "aa", 0},
        {"a{3}", W, "aaaa", 0}, {"a{2,}", W, "a", 0}, {"a{2,}", W, "aaaaa", 1},
        {"a{2,3}", W, "aa", 1}, {"a{2,3}", W, "aaa", 1}, {"a{2,3}", W, "aaaa", 0},
        {"a{,2}", W, "", 1}, {"a{,2}", W, "aaa", 0}, {"a{0}b", W, "b", 1}, {"a{0}b", W, "ab", 0},
        {"a{1,2}b{0,1}", W, "aab", 1}, {"(ab){2}", W, "abab", 1}, {"(a{2}){2}", W, "aaaa", 1},
        {"a*?b+?c??", W, "aabbc", 1}, {"a{2,3}?", W, "aaa", 1}, {"(a*)*", W, "aaa", 1},
        {"(a*)*", W, "b", 0}, {"(|a)+", W, "aa", 1}, {"()*x", W, "x", 1}, {"(()){5}x", W, "x", 1},
        {"{", W, "{", 1}, {"a{", W, "a{", 1}, {"a{}", W, "a{}", 1}, {"a{b}", W, "a{b}", 1},
        {"{\"a\": 1}", W, "{\"a\": 1}", 1}, {"]}", W, "]}", 1}, {"a{,}", W, "aa", 1},
        {"a{1", W, "a{1", 1}, {"(a|ab)(c|bcd)", W, "abcd", 1},
    };
    CHECK_ROWS(rows);
}

TEST(regex, places) {
    static const row rows[] = {
        {"^b", 0, "ab", 0}, {"^b", 0, "a\nb", 0}, {"^b", M, "a\nb", 1}, {"a$", 0, "a\n", 1},
        {"a$", 0, "a\n\n", 0}, {"a$", 0, "a\nb", 0}, {"a$", M, "a\nb", 1}, {"a\\z", 0, "a\n", 0},
        {"a\\Z", 0, "a\n", 0}, {"a\\z", M, "a\nb", 0}, {"\\Ab", M, "a\nb", 0}, {"^$", 0, "", 1},
        {"^$", M, "a\n\nb", 1}, {"(^a|b)$", 0, "b", 1}, {"\\bfoo\\b", 0, "a foo.", 1},
        {"\\bfoo\\b", 0, "afoo", 0}, {"\\Bfoo", 0, "afoo", 1}, {"\\Bfoo", 0, "foo", 0},
        {"\\bcaf\xC3\xA9\\b", 0, "un caf\xC3\xA9!", 1}, {"\\bcaf\\b", 0, "caf\xC3\xA9", 0},
        {"\\b", 0, "", 0}, {"\\b", 0, " ", 0}, {"a\\b-", 0, "a-", 1}, {"x*$", 0, "abc", 1},
        {"a|\\Ab", 0, "cb", 0}, {"a|\\Ab", 0, "ca", 1}, {"(\\A|-)b", 0, "a-b", 1},
    };
    CHECK_ROWS(rows);
}

TEST(regex, classes) {
    static const row rows[] = {
        {"[abc]", W, "b", 1}, {"[^abc]", W, "b", 0}, {"[^abc]", W, "\n", 1}, {"[a-c]", W, "d", 0},
        {"[]a]", W, "]", 1}, {"[^]a]", W, "]", 0}, {"[a-]", W, "-", 1}, {"[-a]", W, "-", 1},
        {"[\\]\\\\]", W, "\\", 1}, {"[\\b]", W, "\b", 1}, {"[.]", W, "a", 0}, {"[a^]", W, "^", 1},
        {"[\\d_]+", W, "1_2", 1}, {"[^\\d\\s]", W, "a", 1}, {"[^\\d\\s]", W, "1", 0},
        {"[\\D]", W, "1", 0}, {"[\\x41-\\x43]", W, "B", 1}, {"[\\n]", W, "\n", 1},
        {".", W, "\n", 0}, {".", W | S, "\n", 1}, {".", W, "\xE2\x82\xAC", 1},
        {".", W, "\xF0\x9F\x98\x80", 1}, {"..", W, "\xF0\x9F\x98\x80", 0},
        {"[\xC3\xA0-\xC3\xBF]", W, "\xC3\xA9", 1}, {"[\xC3\xA0-\xC3\xBF]", W, "\xC3", 0},
        {"\\d", W, "\xD9\xA3", 1}, {"\\w+", W, "caf\xC3\xA9_1", 1}, {"\\w", W, "\xCC\x81", 0},
        {"\\s", W, "\xE3\x80\x80", 1}, {"\\s", W, "\x1C", 1}, {"\\S", W, "\xE2\x80\x8B", 1},
        {"\\p{L}+", W, "a\xC3\xA9\xE4\xB8\x80", 1}, {"\\p{Lu}", W, "a", 0},
        {"\\p{Lu}", W, "\xC3\x89", 1},
        {"\\pN", W, "\xC2\xBD", 1}, {"\\p{Nd}", W, "\xC2\xBD", 0}, {"\\P{L}", W, "1", 1},
        {"\\P{L}", W, "a", 0}, {"[\\p{P}\\p{S}]+", W, "+-*/$", 1}, {"[^\\p{L}]", W, "x", 0},
        {"\\p{Z}", W, " ", 1}, {"\\p{Z}", W, "\t", 0}, {"\\p{C}", W, "\t", 1},
        {"\\p{M}", W, "\xCC\x81", 1},
    };
    CHECK_ROWS(rows);
}

TEST(regex, escapes) {
    static const row rows[] = {
        {"\\n\\t\\r\\f\\v\\a", W, "\n\t\r\f\v\a", 1},
        {"\\x41\\x{1F600}\\u00e9", W, "A\xF0\x9F\x98\x80\xC3\xA9", 1},
        {"\\.\\*\\(\\)\\[\\]\\{\\}\\|\\^\\$\\\\\\/\\-\\ ", W, ".*()[]{}|^$\\/- ", 1},
        {"\\_", W, "_", 1},
    };
    CHECK_ROWS(rows);
    CHECK_INT(matches_n("a\\x00b", W, "a\0b", 3), 1);
    CHECK_INT(matches_n("a.b", W, "a\0b", 3), 1);
}

TEST(regex, flags) {
    static const row rows[] = {
        {"hello", I, "HeLLo", 1}, {"(?i)HELLO", 0, "hello", 1}, {"hello", 0, "HELLO", 0},
        {"\xC3\x89", I, "\xC3\xA9", 1}, {"[a-z]+", I | W, "ABC", 1}, {"[A-Z]+", I | W, "abc", 1},
        {"[^a-z]", I | W, "A", 0}, {"[\xC3\x80-\xC3\x9E]", I | W, "\xC3\xA9", 1},
        {"k", I, "\xE2\x84\xAA", 1},
        {"[\xE2\x84\xAA]", I, "k", 1}, {"\\p{Lu}", I, "a", 1}, {"(?s)a.b", 0, "a\nb", 1},
        {"(?m)^b$", 0, "a\nb\nc", 1}, {"(?im)(?s)^B.c$", 0, "a\nb\nC\nd", 1}, {"(?ims)", 0, "", 1},
    };
    CHECK_ROWS(rows);
}

TEST(regex, invalid_bytes) {
    static const row rows[] = {
        {".", W, "\xFF", 1}, {"[^a]", W, "\xFF", 1}, {"\\W", W, "\xFF", 1}, {"\\w", W, "\xFF", 0},
        {"\\P{L}", W, "\xFF", 1}, {"\\p{C}", W, "\xFF", 0},
        {"[\xC2\x80-\xF4\x8F\xBF\xBF]", W, "\xFF", 0},
        {"..", W, "\xE2\x82", 1}, {"...", W, "\xED\xA0\x80", 1}, {"a\\b", 0, "a\xFF", 1},
        {"[^a]", W | I, "\xFF", 1}, {"b", 0, "\xFF\xFF" "b", 1}, {"\xEF\xBF\xBD", W, "\xFF", 0},
    };
    CHECK_ROWS(rows);
}

TEST(regex, errors) {
    static const struct {
        const char *pattern;
        ft_status status;
        const char *needle;
    } rows[] = {
        {"(a", FT_ERR_ARGUMENT, "character 1: this ( has no )"},
        {"a)", FT_ERR_ARGUMENT, "character 2: this ) has no ("},
        {"\xC3\xA9[a", FT_ERR_ARGUMENT, "character 2: this [ has no ]"},
        {"[]", FT_ERR_ARGUMENT, "character 1: this [ has no ]"},
        {"*a", FT_ERR_ARGUMENT, "character 1: nothing to repeat"},
        {"a|+", FT_ERR_ARGUMENT, "character 3: nothing to repeat"},
        {"a**", FT_ERR_ARGUMENT, "character 3: nothing to repeat"},
        {"a{2}{3}", FT_ERR_ARGUMENT, "character 5: nothing to repeat"},
        {"({2})", FT_ERR_ARGUMENT, "character 2: nothing to repeat"},
        {"a{3,2}", FT_ERR_ARGUMENT, "maximum is below"},
        {"a{20001}", FT_ERR_LIMIT, "above 20000"},
        {"a{99999999999999999999}", FT_ERR_LIMIT, "above 20000"},
        {"a{1,4294967297}", FT_ERR_LIMIT, "above 20000"},
        {"a++", FT_ERR_UNSUPPORTED, "possessive"},
        {"(a)\\1", FT_ERR_UNSUPPORTED, "character 4: back-references are not supported: would not"},
        {"(?P=n)", FT_ERR_UNSUPPORTED, "would not be linear"},
        {"a(?=b)", FT_ERR_UNSUPPORTED, "character 2: look-around is not supported: would not"},
        {"(?!b)", FT_ERR_UNSUPPORTED, "look-around"}, {"(?<=b)", FT_ERR_UNSUPPORTED, "look-around"},
        {"(?<!b)", FT_ERR_UNSUPPORTED, "look-around"}, {"(?>a)", FT_ERR_UNSUPPORTED, "after (?"},
        {"a(?i)b", FT_ERR_UNSUPPORTED, "at the start of the pattern"},
        {"(?x)b", FT_ERR_UNSUPPORTED, "flags i s m"}, {"(?", FT_ERR_UNSUPPORTED, "after (?"},
        {"(?<a", FT_ERR_ARGUMENT, "name has no end"},
        {"\\", FT_ERR_ARGUMENT, "unknown escape"},
        {"\\y", FT_ERR_ARGUMENT, "character 1: unknown escape"},
        {"[\\", FT_ERR_ARGUMENT, "unknown escape"}, {"[\\A]", FT_ERR_ARGUMENT, "unknown escape"},
        {"\\x4", FT_ERR_ARGUMENT, "hexadecimal"}, {"\\x{", FT_ERR_ARGUMENT, "hexadecimal"},
        {"\\x{110000}", FT_ERR_ARGUMENT, "no character"},
        {"\\ud83d", FT_ERR_ARGUMENT, "no character"},
        {"\\u12g4", FT_ERR_ARGUMENT, "hexadecimal"},
        {"\\p{Han}", FT_ERR_UNSUPPORTED, "known classes are"}, {"\\p", FT_ERR_UNSUPPORTED, "known"},
        {"\\p{L", FT_ERR_UNSUPPORTED, "known"}, {"\\p{}", FT_ERR_UNSUPPORTED, "known"},
        {"[z-a]", FT_ERR_ARGUMENT, "character 2: the range is the wrong way round"},
        {"[a-\\d]", FT_ERR_ARGUMENT, "a class cannot end a range"},
        {"[[:alpha:]]", FT_ERR_UNSUPPORTED, "use \\p{L}"},
        {"a\xFF", FT_ERR_ARGUMENT, "character 2: invalid UTF-8"},
        {"[\xFF]", FT_ERR_ARGUMENT, "character 2: invalid UTF-8"},
        {"(a{1000}){1000}", FT_ERR_LIMIT, "too large"},
        {"((((a{20}){20}){20}){20}){20}", FT_ERR_LIMIT, "too large"},
        {"(((|){20000}){20000}){20000}", FT_ERR_LIMIT, "too large"},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        ft_error err = {FT_OK, "", ""};
        ft__regex *r = ft__regex_compile(rows[i].pattern, strlen(rows[i].pattern), 0, NULL, &err);
        if (r) test_check(false, rows[i].pattern, "accepted", (int)i);
        else CHECK_ERROR(err.code, rows[i].status, err, rows[i].needle);
        ft__regex_free(r);
    }
}

TEST(regex, depth_and_size_limits) {
    enum { DEEP = 200 };
    char pattern[2 * DEEP + 8];
    ft_error err = {FT_OK, "", ""};
    for (int extra = 0; extra < 2; extra++) {
        int n = DEEP + extra;
        memset(pattern, '(', (size_t)n);
        memset(pattern + n, ')', (size_t)n);
        ft__regex *r = ft__regex_compile(pattern, (size_t)(2 * n), 0, NULL, &err);
        CHECK((r != NULL) == (extra == 0));
        ft__regex_free(r);
    }
    CHECK_ERROR(err.code, FT_ERR_LIMIT, err, "nested deeper");
    /* empty groups repeat for ever at no cost */
    CHECK_INT(matches_n("((((){20000}){20000}){20000}){20000}x", 0, "x", 1), 1);
    CHECK_INT(matches_n("a{19999}", 0, "aaa", 3), 0);
}

TEST(regex, linear) {
    static const char *const patterns[] = {
        "(a*)*b", "(a|aa)+$", "(a+)+b", "(a|a)*b", "a*a*a*a*a*b", "(.*)(.*)(.*)(.*)[^a]",
        "([a-z]+)*=", "^(([a-z])+.)+[A-Z]"};
    enum { N = 1000000 };
    char *text = (char *)malloc(N + 1);
    memset(text, 'a', N);
    text[N] = '!';
    for (size_t i = 0; i < FT__COUNT(patterns); i++) {
        double start = ft__seconds();
        CHECK_INT(matches_n(patterns[i], 0, text, N + (i == 1)), 0);
        CHECK(ft__seconds() - start < 5);
    }
    free(text);
}

TEST(regex, out_of_memory) {
    static const char pattern[] = "(?i)(foo|[a-z\\d]{2,4}|\\p{L}+)*\\b[^x]$";
    for (long fail_at = 1;; fail_at++) {
        test_memory memory = {0, 0, fail_at};
        ft_allocator a = test_allocator(&memory);
        ft_error err = {FT_OK, "", ""};
        bool found = false;
        ft_status status = FT_ERR_MEMORY;
        ft__regex *r = ft__regex_compile(pattern, sizeof pattern - 1, 0, &a, &err);
        if (r) status = ft__regex_search(r, "some text!", 10, &found, &err);
        CHECK(status == FT_OK || err.code == FT_ERR_MEMORY);
        ft__regex_free(r);
        CHECK_INT(memory.live, 0);
        if (status == FT_OK) {
            CHECK(found);
            CHECK(fail_at > 4);
            break;
        }
    }
}
