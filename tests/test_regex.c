/* The expectations follow Python's re (random patterns, their matches and groups were compared
   while this was written), those with the flag E the standard ECMA-262. */
#include "test.h"
#include "../src/eval/eval.h"

enum {
    I = FT__REGEX_IGNORE_CASE, S = FT__REGEX_DOT_ALL, M = FT__REGEX_MULTILINE, W = FT__REGEX_WHOLE,
    E = FT__REGEX_ECMA
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
        {"(?<!b)", FT_ERR_UNSUPPORTED, "look-around"},
        {"a(?>b)", FT_ERR_UNSUPPORTED, "character 2: atomic groups are not supported: would not"},
        {"a(?L)b", FT_ERR_UNSUPPORTED, "character 2: after (? only"},
        {"(?iz)b", FT_ERR_UNSUPPORTED, "the flags i s m x a u"},
        {"(?i", FT_ERR_UNSUPPORTED, "after (?"}, {"(?", FT_ERR_UNSUPPORTED, "after (?"},
        {"(?)", FT_ERR_UNSUPPORTED, "after (?"}, {"(?R)", FT_ERR_UNSUPPORTED, "after (?"},
        {"(?#a", FT_ERR_ARGUMENT, "comment has no )"}, {"(?i:a", FT_ERR_ARGUMENT, "has no )"},
        {"(?<a", FT_ERR_ARGUMENT, "name has no end"}, {"(?<>a)", FT_ERR_ARGUMENT, "no name"},
        {"(?P<1a>a)", FT_ERR_ARGUMENT, "no name"}, {"(?<a b>a)", FT_ERR_ARGUMENT, "no name"},
        {"(?<n>a)\\k<n>", FT_ERR_UNSUPPORTED, "character 8: back-references"},
        {"a\\Kb", FT_ERR_UNSUPPORTED, "character 2: \\G \\K"}, {"\\X", FT_ERR_UNSUPPORTED, "\\X"},
        {"\\N{DIGIT ONE}", FT_ERR_UNSUPPORTED, "\\N{"},
        {"[\\R]", FT_ERR_UNSUPPORTED, "in brackets"},
        {"\\c1", FT_ERR_ARGUMENT, "unknown escape"}, {"a\\E", FT_ERR_ARGUMENT, "unknown escape"},
        {"\\p{Runic}", FT_ERR_UNSUPPORTED, "known classes"},
        {"\\p{gc=Han}", FT_ERR_UNSUPPORTED, "known"}, {"\\p{sc=Lu}", FT_ERR_UNSUPPORTED, "known"},
        {"[[:vowel:]]", FT_ERR_ARGUMENT, "character 2: known are [:alpha:]"},
        {"\\", FT_ERR_ARGUMENT, "unknown escape"},
        {"\\y", FT_ERR_ARGUMENT, "character 1: unknown escape"},
        {"[\\", FT_ERR_ARGUMENT, "unknown escape"}, {"[\\A]", FT_ERR_ARGUMENT, "unknown escape"},
        {"\\x4", FT_ERR_ARGUMENT, "hexadecimal"}, {"\\x{", FT_ERR_ARGUMENT, "hexadecimal"},
        {"\\x{110000}", FT_ERR_ARGUMENT, "no character"},
        {"\\ud83d", FT_ERR_ARGUMENT, "no character"},
        {"\\u12g4", FT_ERR_ARGUMENT, "hexadecimal"},
        {"\\p", FT_ERR_UNSUPPORTED, "known"},
        {"\\p{L", FT_ERR_UNSUPPORTED, "known"}, {"\\p{}", FT_ERR_UNSUPPORTED, "known"},
        {"[z-a]", FT_ERR_ARGUMENT, "character 2: the range is the wrong way round"},
        {"[a-\\d]", FT_ERR_ARGUMENT, "a class cannot end a range"},
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

/* ---- finding */

/* "2-5 - 3-4": the whole match, then the groups; "-" for one that took no part; "" for no match. */
static void find_text(const char *pattern, unsigned flags, const char *text, size_t n, size_t from,
                      size_t n_groups, char out[256]) {
    ft_error err = {FT_OK, "", ""};
    ft__regex_span groups[8];
    bool found = false;
    ft__regex *r = ft__regex_compile(pattern, strlen(pattern), flags, NULL, &err);
    snprintf(out, 256, "%.200s", err.message);
    if (!r) return;
    CHECK_OK(ft__regex_find(r, text, n, from, groups, n_groups, &found, &err), err);
    out[0] = 0;
    for (size_t i = 0, at = 0; i < n_groups && found; i++)
        at += (size_t)(groups[i].begin == FT__NO_SPAN
                           ? snprintf(out + at, 256 - at, "%s-", i ? " " : "")
                           : snprintf(out + at, 256 - at, "%s%zu-%zu", i ? " " : "",
                                      groups[i].begin, groups[i].end));
    ft__regex_free(r);
}

TEST(regex, find) {
    static const struct {
        const char *pattern;
        unsigned flags;
        const char *text;
        size_t from, n_groups;
        const char *expected;
    } rows[] = {
        {"b+", 0, "abbb", 0, 1, "1-4"}, {"b+?", 0, "abbb", 0, 1, "1-2"}, {"x", 0, "abc", 0, 1, ""},
        {"a|ab", 0, "ab", 0, 1, "0-1"}, {"ab|a", 0, "ab", 0, 1, "0-2"},
        {"a|ab", W, "ab", 0, 1, "0-2"},
        {"b|ab", 0, "ab", 0, 1, "0-2"}, {"(a|ab)(c|bcd)", 0, "abcd", 0, 3, "0-4 0-1 1-4"},
        {"(a*)(a*)", 0, "aaa", 0, 3, "0-3 0-3 3-3"}, {"(a*?)(a*)", 0, "aaa", 0, 3, "0-3 0-0 0-3"},
        {"(a)|b", 0, "b", 0, 2, "0-1 -"}, {"(?:(a)|b)*", 0, "ab", 0, 2, "0-2 0-1"},
        {"(?:(a)|(b))*", 0, "ab", 0, 3, "0-2 0-1 1-2"},
        {"((a)(b(c)))", 0, "abc", 0, 5, "0-3 0-3 0-1 1-3 2-3"},
        {"(?P<y>\\d{4})-(?<m>\\d\\d)", 0, "on 2024-05", 0, 3, "3-10 3-7 8-10"},
        {"(?:x)(y)", 0, "xy", 0, 4, "0-2 1-2 - -"}, {"(y)", 0, "y", 0, 0, ""},
        {"(a{2}){2}", 0, "aaaaa", 0, 2, "0-4 2-4"}, {"(a){0}b", 0, "b", 0, 2, "0-1 -"},
        {"a{2,3}?", 0, "aaa", 0, 1, "0-2"}, {"(a?" "?)b", 0, "ab", 0, 2, "0-2 0-1"},
        /* empty rounds are seen by groups as Python does it */
        {"(a*)*", 0, "b", 0, 2, "0-0 0-0"}, {"(a*)*", 0, "aa", 0, 2, "0-2 2-2"},
        {"(a*)+", 0, "aab", 0, 2, "0-2 2-2"}, {"(|a)*", 0, "aa", 0, 2, "0-0 0-0"},
        {"(|a)+", 0, "aa", 0, 2, "0-0 0-0"}, {"(a|b*)*", 0, "abb", 0, 2, "0-3 3-3"},
        {"(a*?)*?b", 0, "aab", 0, 2, "0-3 1-2"}, {"()*x", 0, "x", 0, 2, "0-1 0-0"},
        {"()*?x", 0, "x", 0, 2, "0-1 -"}, {"(a?){0,2}$", 0, "a", 0, 2, "0-1 1-1"},
        {"((a)|b)*?c", 0, "abc", 0, 3, "0-3 1-2 0-1"},
        {"(x|(y*))*z", 0, "xyz", 0, 3, "0-3 2-2 2-2"},
        /* empty matches, where to begin */
        {"", 0, "ab", 1, 1, "1-1"}, {"", 0, "ab", 2, 1, "2-2"}, {"", 0, "ab", 3, 1, ""},
        {"x*", 0, "axx", 0, 1, "0-0"}, {"x*", 0, "axx", 1, 1, "1-3"}, {"$", 0, "ab\n", 0, 1, "2-2"},
        {"$", 0, "ab\n", 3, 1, "3-3"}, {"^b", 0, "ab", 1, 1, ""}, {"^b", M, "a\nb", 1, 1, "2-3"},
        {"\\bb", 0, "ab b", 1, 1, "3-4"}, {"\\b", 0, "\xC3\xA9", 0, 1, "0-0"},
        {"\\B", 0, "\xC3\xA9" "a", 0, 1, "2-2"}, {".", 0, "\xC3\xA9" "a", 0, 1, "0-2"},
        {"a$", 0, "aba\n", 0, 1, "2-3"}, {"a\\Z", 0, "aba\n", 0, 1, ""},
        {"a\n$", 0, "aa\n", 0, 1, "1-3"},
        {"\\n$", 0, "a\n", 0, 1, "1-2"},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        char got[256];
        find_text(rows[i].pattern, rows[i].flags, rows[i].text, strlen(rows[i].text), rows[i].from,
                  rows[i].n_groups, got);
        if (strcmp(got, rows[i].expected) != 0) {
            test_note("%s on %s: %s, not %s", rows[i].pattern, rows[i].text, got, rows[i].expected);
            CHECK(false);
        }
    }
}

/* The same where the automaton has to look over a long stretch before.  Places are counted from the
   end of the filler. */
TEST(regex, find_far) {
    enum { NONE = -1000, FAR = 9000 };
    static const struct {
        const char *pattern, *filler, *text;
        int begin, end, group_begin, group_end;
    } rows[] = {
        {"(foo|bar|baz)+qux", "foo bar ", "foobarbazqux!", 0, 12, 6, 9},
        {"\\b(\\d{3})-\\d{4}\\b", "12-3456 ", "555-1234.", 0, 8, 0, 3},
        {"([A-Z][a-z]+) [A-Z][a-z]+", "Paris in ", "New York", 0, 8, 0, 3},
        {"(a|aa)+b", "aaaac", "aaab", 0, 4, 2, 3},
        {"z(e)bra", "zebu ", "zebra", 0, 5, 1, 2},
        {"(?i)(\xC3\xA9)TE", "\xC3\xA9t\xC3\xA8 ", "\xC3\x89t\xC3\x89te", 3, 7, 3, 5},
        {"\\b(\xC3\xA9\\w)\\b", "\xC3\xA9\xC3\xA9\xC3\xA9 ", "\xC3\xA9" "a", 0, 3, 0, 3},
        {"(.)$", "a\n", "b\n", 0, 1, 0, 1},
        {"(b?)\\Z", "a\n", "b\n", 2, 2, 2, 2},
        {"a\n$", "a\nb", "a\n", 0, 2, NONE, NONE},
        {"(?m)^(b)$", "ab\nba\n", "b\n", 0, 1, 0, 1},
        {"(\\w)\\B-|x$", "a-", "x\n", 0, 1, NONE, NONE},
        {"\xE4\xB8\xAD(\xE6\x96\x87)", "\xE4\xB8\xAD\xE4\xB8\xAD", "\xE6\x96\x87", -3, 3, 0, 3},
        {"\xC3\xA9([^a])\\.", "\xFF\xFE\xC3", "\xC3\xA9\xFF.", 0, 4, 2, 3},
        {"\\w+(-)", "\xE2\x82\xAC a ", "a\xC3\xA9-", 0, 4, 3, 4},
    };
    char *text = (char *)malloc(FAR + 64);
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        char got[256], expected[256];
        size_t n = 0;
        for (; n < FAR; n += strlen(rows[i].filler)) strcpy(text + n, rows[i].filler);
        strcpy(text + n, rows[i].text);
        snprintf(expected, sizeof expected, "%zu-%zu", n + rows[i].begin, n + rows[i].end);
        if (rows[i].group_begin == NONE) strcat(expected, " -");
        else
            snprintf(expected + strlen(expected), 64, " %zu-%zu", n + rows[i].group_begin,
                     n + rows[i].group_end);
        find_text(rows[i].pattern, 0, text, strlen(text), 0, 2, got);
        CHECK_TEXT(got, expected);
        CHECK_INT(matches_n(rows[i].pattern, 0, text, strlen(text)), 1);
    }
    free(text);
}

/* More sets of states than are kept: [ab]*a[ab]{14}c has 2^15. */
TEST(regex, too_many_states) {
    enum { N = 200000 };
    char *text = (char *)malloc(N + 32), got[256];
    uint32_t x = 1;
    for (size_t i = 0; i < N; i++) text[i] = "ab"[(x = x * 1664525u + 1013904223u) >> 31];
    strcpy(text + N, "a!abbbbbbbabababac");
    CHECK_INT(matches_n("[ab]*a[ab]{14}c", 0, text, N + 2), 0);
    CHECK_INT(matches_n("[ab]*a[ab]{14}c", 0, text, N + 18), 1);
    find_text("[ab]*a([ab]){14}c", 0, text, N + 18, 0, 2, got);
    char expected[64];
    snprintf(expected, sizeof expected, "%d-%d %d-%d", N + 2, N + 18, N + 16, N + 17);
    CHECK_TEXT(got, expected);
    /* more columns than there is room for: 128 letters, each alone */
    char pattern[1024] = "(?:", letter[4];
    size_t n = 3;
    for (uint32_t c = 0x4E00; c < 0x4E00 + 200; c++, pattern[n++] = '|')
        memcpy(pattern + n, letter, (size_t)ft__utf8_encode(c, letter)), n += 3;
    strcpy(pattern + n - 1, ")x");
    for (n = 0; n < 30000; n += 3)
        memcpy(text + n, letter, (size_t)ft__utf8_encode(0x4E00 + (uint32_t)n / 3 % 200, letter));
    text[n] = 'x';
    CHECK_INT(matches_n(pattern, 0, text, n), 0);
    CHECK_INT(matches_n(pattern, 0, text, n + 1), 1);
    free(text);
}

/* All matches one after another, as eval.h tells to walk them. */
TEST(regex, walk) {
    static const char text[] = "one  two\xC3\xA9 3";
    static const char *const patterns[] = {"\\w+", "\\d*", "z", "\\b"};
    static const char *const expected[] = {
        "0-3 5-10 11-12 ", "0-0 1-1 2-2 3-3 4-4 5-5 6-6 7-7 8-8 10-10 11-12 12-12 ", "",
        "0-0 3-3 5-5 10-10 11-11 12-12 "};
    for (size_t i = 0; i < FT__COUNT(patterns); i++) {
        ft_error err = {FT_OK, "", ""};
        char got[256] = "";
        ft__regex_span m;
        bool found;
        ft__regex *r = ft__regex_compile(patterns[i], strlen(patterns[i]), 0, NULL, &err);
        for (size_t from = 0; CHECK_OK(ft__regex_find(r, text, strlen(text), from, &m, 1, &found,
                                                      &err), err) && found;) {
            snprintf(got + strlen(got), 64, "%zu-%zu ", m.begin, m.end);
            const char *p = text + m.end;
            if (m.begin == m.end && *p) ft__utf8_next(&p, text + strlen(text));
            else if (m.begin == m.end) break;
            from = (size_t)(p - text);
        }
        CHECK_TEXT(got, expected[i]);
        ft__regex_free(r);
    }
}

TEST(regex, too_many_groups) {
    char pattern[400] = "";
    ft__regex_span groups[130];
    ft_error err = {FT_OK, "", ""};
    bool found;
    for (int i = 0; i < 120; i++) strcat(pattern, "()");
    ft__regex *r = ft__regex_compile(pattern, strlen(pattern), 0, NULL, &err);
    CHECK_OK(ft__regex_find(r, "", 0, 0, groups, 100, &found, &err), err);
    CHECK(found && groups[99].begin == 0);
    CHECK_ERROR(ft__regex_find(r, "", 0, 0, groups, 101, &found, &err), FT_ERR_LIMIT, err,
                "more than 100 groups");
    ft__regex_free(r);
}

/* ---- the syntax of others */

TEST(regex, pcre) {
    static const row rows[] = {
        {"[[:alpha:]]+", W, "a\xC3\xA9Z", 1}, {"[[:alpha:]]", W, "1", 0},
        {"[[:^digit:]]", W, "1", 0},
        {"[[:^digit:]x]", W, "a", 1}, {"[[:upper:]-]+", W, "A-", 1}, {"[[:punct:]]+", W, "$+-.", 1},
        {"[[:punct:]]", W, "a", 0}, {"[[:xdigit:]]+", W, "aF0", 1}, {"[[:xdigit:]]", W, "g", 0},
        {"[[:blank:]]", W, "\n", 0}, {"[[:word:]]", W, "_", 1}, {"[[:cntrl:]]", W, "\t", 1},
        {"[[:graph:]]", W, " ", 0}, {"[[:print:]]", W, " ", 1}, {"[[:print:]]", W, "\n", 0},
        {"[[:ascii:]]", W, "\xC3\xA9", 0}, {"[:a]+", W, ":a", 1}, {"[[:a]+", W, "[:", 1},
        {"a(?i)b", W, "aB", 1}, {"a(?i)b", W, "AB", 0}, {"(a(?i)b)c", W, "aBc", 1},
        {"(a(?i)b)c", W, "aBC", 0}, {"a(?i:b)c", W, "aBc", 1}, {"a(?i:b)c", W, "aBC", 0},
        {"(?i)a(?-i)b", W, "Ab", 1}, {"(?i)a(?-i)b", W, "AB", 0}, {"(?i)a(?-i:b)c", W, "AbC", 1},
        {"(?i)a(?-i:b)c", W, "ABC", 0}, {"(?s-i:.)", W, "\n", 1}, {"(?a)\\w", W, "\xC3\xA9", 0},
        {"(?a:\\w)\\w", W, "a\xC3\xA9", 1}, {"(?a)\\s", W, "\xC2\xA0", 0},
        {"(?a)a\\b", 0, "a\xC3\xA9", 1},
        {"(?a)(?u)\\d", W, "\xD9\xA3", 1}, {"a(?i)b|c", W, "C", 1},
        {"(?x) a b # c\n c", W, "abc", 1}, {"(?x)a\\ b[ ]c", W, "a b c", 1},
        {"(?x)a +", W, "aa", 1},
        {"(?x:a b) c", W, "ab c", 1}, {"a(?#b)c", W, "ac", 1}, {"a(?#b)*", W, "aa", 1},
        {"\\h+", W, " \t\xC2\xA0", 1}, {"\\h", W, "\n", 0}, {"\\H", W, "a", 1},
        {"[\\h]", W, "\t", 1},
        {"\\R", W, "\r\n", 1}, {"\\R", W, "\xE2\x80\xA8", 1}, {"\\R", W, "a", 0},
        {"\\R{2}", W, "\n\r\n", 1},
        {"\\N+", W, "ab", 1}, {"(?s)\\N", W, "\n", 0},
        {"\\Qa.b\\E", W, "a.b", 1}, {"\\Qa.b\\E", W, "aab", 0}, {"\\Q(*\\E+", W, "(***", 1},
        {"\\Q\\d\\E\\d", W, "\\d1", 1}, {"\\Qa|b", W, "a|b", 1}, {"\\Q\\E", W, "", 1},
        {"\\x{1F600}\\u{e9}\\U0001F600", W, "\xF0\x9F\x98\x80\xC3\xA9\xF0\x9F\x98\x80", 1},
        {"\\cA\\cz\\e", W, "\x01\x1A\x1B", 1}, {"\\012\\x41", W, "\nA", 1},
        {"\\p{^L}", W, "1", 1}, {"\\P{^L}", W, "1", 0},
        {"\\p{Han}+", W, "\xE4\xB8\xAD\xE6\x96\x87", 1},
        {"\\p{Han}", W, "a", 0}, {"\\p{Script=Greek}", W, "\xCF\x80", 1},
        {"\\p{sc=Cyrl}", W, "\xD0\xB8", 1},
        {"\\p{gc=Lu}", W, "A", 1}, {"\\p{Letter}", W, "a", 1}, {"\\p{Sc}", W, "\xE2\x82\xAC", 1},
        {"\\p{Pd}", W, "\xE2\x80\x93", 1}, {"\\p{Nl}", W, "\xE2\x85\xA7", 1},
        {"\\p{No}", W, "\xE2\x85\xA7", 0},
        {"\\p{No}", W, "\xC2\xBD", 1}, {"\\p{Zs}", W, "\xE2\x80\xA8", 0},
        {"\\p{Any}", W, "\xFF", 0},
        {"\\P{Any}", W, "\xFF", 1}, {"\\p{Cc}", W, "\xC2\x85", 1},
        {"[^\\p{Latin}]", W, "\xC3\xA9", 0},
    };
    CHECK_ROWS(rows);
}

/* Python's: also what shares its capital. */
TEST(regex, cases) {
    static const row rows[] = {
        {"\xCF\x83", I | W, "\xCF\x82", 1}, {"[\xCF\x82]", I | W, "\xCE\xA3", 1},
        {"s", I | W, "\xC5\xBF", 1}, {"[a-z]", I | W, "\xC5\xBF", 1},
        {"[^s]", I | W, "\xC5\xBF", 0},
        {"\xC2\xB5", I | W, "\xCE\x9C", 1}, {"i", I | W, "\xC4\xB1", 1},
        {"i", I | W, "\xC4\xB0", 1},
        {"\xC3\x9F", I | W, "\xE1\xBA\x9E", 1}, {"ss", I | W, "\xC3\x9F", 0},
        {"[\xE2\x84\xAA-\xE2\x84\xAB]+", I | W, "kK\xC3\xA5\xC3\x85", 1}, {"1", I | W, "1", 1},
        {"\xC7\x85", I | W, "\xC7\x84", 1}, {"[\xC7\x85]", I | W, "\xC7\x86", 1},
        {"\xEA\xAD\xB0", I | W, "\xE1\x8E\xA0", 1},
    };
    CHECK_ROWS(rows);
}

TEST(regex, ecma) {
    static const row rows[] = {
        {"^abc$", E, "abc\n", 0}, {"^abc$", E, "abc", 1}, {"^\\d$", E, "\xDF\x80", 0},
        {"^\\D$", E, "\xDF\x80", 1},
        {"^\\w+$", E, "aZ_0", 1}, {"^\\w$", E, "\xC3\xA9", 0}, {"^\\W$", E, "\xC3\xA9", 1},
        {"a\\b", E, "a\xC3\xA9", 1}, {"a\\B", E, "a\xC3\xA9", 0}, {"a\\B", E, "ab", 1},
        {"^\\s+$", E, " \t\n\v\f\r\xC2\xA0\xEF\xBB\xBF\xE2\x80\xA8\xE3\x80\x80", 1},
        {"^\\s$", E, "\xC2\x85", 0}, {"^\\s$", E, "\x1C", 0}, {"^\\S$", E, "\xEF\xBB\xBF", 0},
        {"^.$", E, "\n", 0}, {"^.$", E, "\r", 0}, {"^.$", E, "\xE2\x80\xA9", 0},
        {"^.$", E, "\xC2\x85", 1},
        {"^.$", E, "\xF0\x9F\x98\x80", 1}, {"^\\cC\\cc$", E, "\x03\x03", 1},
        {"^\\t\\v\\0$", E, "\t\v", 0},
        {"^\\u0041\\u{1F600}\\x42$", E, "A\xF0\x9F\x98\x80" "B", 1},
        {"^\\ud83d\\ude00$", E, "\xF0\x9F\x98\x80", 1},
        {"^[\\ud83d\\ude00-\\u{1f602}]$", E, "\xF0\x9F\x98\x81", 1},
        {"^\\p{Letter}+\\p{Lu}$", E, "\xC3\xA9\xC3\x89", 1},
        {"^\\p{General_Category=Nd}$", E, "\xD9\xA3", 1},
        {"^\\P{Letter}$", E, "a", 0}, {"^\\p{digit}$", E, "\xE0\xA7\xAA", 1},
        {"^\\p{Script=Han}$", E, "\xE4\xB8\xAD", 1},
        {"^[^]$", E, "\n", 1}, {"[]", E, "]", 0}, {"^[[:a]$", E, ":", 1},
        {"^\\/\\$[\\-\\b]$", E, "/$-", 1},
        {"^(?<$a>x)(?:y)$", E, "xy", 1}, {"^a{2}$", E, "aa", 1},
        {"^(x|\\S(.|\\n)*\\S)$", E, "a\nb", 1},
    };
    static const char *const wrong[] = {
        "\\Z", "^\\S(|(.|\\n)*\\S)\\Z", "\\A", "\\a", "\\e", "\\_", "\\-", "\\h", "\\R", "\\Qa\\E",
        "\\x{41}", "\\u{110000}", "\\ud83d", "\\c1", "\\pL", "\\p{^L}", "(?i)a", "(?P<n>a)",
        "(?#a)", "a{,2}", "{", "a}", "]", "a{1", "(?<n", "(?>a)", "[\\d-z]", "[b-a]", "^(abc]",
        "a++",
    };
    static const char *const unsupported[] = {
        "(a)\\1", "(?<n>a)\\k<n>", "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "\\p{Script=Runic}"};
    CHECK_ROWS(rows);
    for (size_t i = 0; i < FT__COUNT(wrong) + FT__COUNT(unsupported); i++) {
        bool is_wrong = i < FT__COUNT(wrong);
        const char *pattern = is_wrong ? wrong[i] : unsupported[i - FT__COUNT(wrong)];
        ft_error err = {FT_OK, "", ""};
        ft__regex *r = ft__regex_compile(pattern, strlen(pattern), E, NULL, &err);
        if (err.code != (is_wrong ? FT_ERR_ARGUMENT : FT_ERR_UNSUPPORTED))
            test_check(false, pattern, err.message, (int)i);
        ft__regex_free(r);
    }
}

/* Those parts of the JSON-Schema-Test-Suite that are about patterns and nothing else: a string
   against {"pattern": ...}, and what "format": "regex" says of a string (which may be right
   and not supported). */
static void check_suite(const char *path, int *passed, int *all) {
    ft__arena arena;
    ft__json *groups;
    ft_error err = {FT_OK, "", ""};
    size_t n;
    char *text = test_read(path, &n);
    ft__arena_init(&arena, NULL);
    if (text && CHECK_OK(ft__json_parse(text, n, path, 1, &arena, &groups, &err), err))
        for (const ft__json *group = groups->child; group; group = group->next) {
            const ft__json *schema = ft__json_get(group, "schema");
            const ft__json *pattern = ft__json_get(schema, "pattern");
            const ft__json *format = ft__json_get(schema, "format");
            if (!pattern && !format) continue;
            for (const ft__json *t = ft__json_get(group, "tests")->child; t; t = t->next) {
                const ft__json *data = ft__json_get(t, "data"), *source = pattern ? pattern : data;
                bool valid = ft__json_get(t, "valid")->type == FT__JSON_TRUE, found = false;
                if (data->type != FT__JSON_STRING) continue;
                ft__regex *r = ft__regex_compile(source->text, source->text_len, E, NULL, &err);
                if (r && pattern)
                    CHECK_OK(ft__regex_search(r, data->text, data->text_len, &found, &err), err);
                *all += 1;
                bool right = r != NULL || err.code == FT_ERR_UNSUPPORTED;
                if ((pattern ? found : right) == valid) *passed += 1;
                else test_note("%s: %s", source->text, ft__json_get(t, "description")->text);
                ft__regex_free(r);
            }
        }
    CHECK(text != NULL);
    free(text);
    ft__arena_free(&arena);
}

TEST(regex, json_schema_suite) {
    static const char *const drafts[] = {"draft7", "draft2020-12"};
    static const char *const files[] = {"pattern.json", "optional/ecmascript-regex.json",
                                        "optional/non-bmp-regex.json",
                                        "optional/format/regex.json",
                                        "optional/format/ecmascript-regex.json"};
    int passed = 0, all = 0;
    for (size_t d = 0; d < FT__COUNT(drafts); d++)
        for (size_t f = 0; f < FT__COUNT(files); f++) {
            char name[128];
            snprintf(name, sizeof name, "json-schema/tests/%s/%s", drafts[d], files[f]);
            const char *path = test_shared(name);
            if (!path) SKIP("no ../shared");
            check_suite(path, &passed, &all);
        }
    test_note("%d of %d", passed, all);
    CHECK(all > 100);
    CHECK_INT(passed, all);
}

/* ---- memory, threads */

typedef struct shared {
    const ft__regex *regex;
    const char *text;
    size_t n;
    int found[16];
} shared;

static void find_part(void *user, int part) {
    shared *s = (shared *)user;
    ft__regex_span m[2];
    bool found = false;
    ft_error err;
    ft_status status = ft__regex_find(s->regex, s->text, s->n, (size_t)part, m, 2, &found, &err);
    s->found[part] = status == FT_OK && found && m[1].end == s->n;
}

TEST(regex, threads) {
    enum { N = 20000 };
    ft_error err = {FT_OK, "", ""};
    ft_allocator a = ft__allocator(NULL);
    ft__pool *pool = ft__pool_create(4, &a, &err);
    char *text = (char *)malloc(N);
    shared s = {NULL, NULL, N, {0}};
    for (size_t i = 0; i < N; i++) text[i] = "foo bar "[i % 8];
    memcpy(text + N - 3, "qux", 3);
    s.regex = ft__regex_compile("\\b\\w+ ?(qux)", 12, 0, NULL, &err);
    s.text = text;
    ft__pool_run(pool, find_part, &s, 16);
    for (int i = 0; i < 16; i++) CHECK(s.found[i]);
    ft__regex_free((ft__regex *)s.regex);
    ft__pool_free(pool);
    free(text);
}

TEST(regex, out_of_memory) {
    static const char pattern[] = "(?i)(foo|[a-z\\d]{2,4}|\\p{L}+)*\\b[^x]#$";
    char text[800];
    for (size_t i = 0; i < sizeof text; i++) text[i] = "some text \xC3\xA9!"[i % 13];
    memcpy(text + sizeof text - 3, "a!#", 3);
    for (long fail_at = 1;; fail_at++) {
        test_memory memory = {0, 0, fail_at};
        ft_allocator a = test_allocator(&memory);
        ft_error err = {FT_OK, "", ""};
        ft__regex_span groups[2];
        bool found = false, far = false;
        ft_status status = FT_ERR_MEMORY;
        ft__regex *r = ft__regex_compile(pattern, sizeof pattern - 1, 0, &a, &err);
        if (r) status = ft__regex_search(r, "some text!#", 11, &found, &err);
        if (status == FT_OK)
            status = ft__regex_find(r, text, sizeof text, 0, groups, 2, &far, &err);
        CHECK(status == FT_OK || (err.code == FT_ERR_MEMORY && !far));
        ft__regex_free(r);
        CHECK_INT(memory.live, 0);
        if (status == FT_OK) {
            CHECK(found && far && groups[0].end == sizeof text);
            CHECK(fail_at > 12);
            break;
        }
    }
}
