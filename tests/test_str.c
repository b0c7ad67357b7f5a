/* Text: the growing buffer, numbers for people, shell patterns, nearest names, UTF-8. */
#include "test.h"

TEST(str, buffer_grows) {
    test_memory memory = {0, 0, 0};
    ft_allocator a = test_allocator(&memory);
    ft__buf b;
    ft__buf_init(&b, &a);
    CHECK(b.data == NULL && b.len == 0 && memory.requests == 0);
    ft__buf_text(&b, "");
    CHECK_TEXT(b.data, "");
    ft__buf_text(&b, "abc");
    ft__buf_byte(&b, '-');
    ft__buf_add(&b, "x\0y", 3);
    ft__buf_add(&b, NULL, 0);
    ft__buf_printf(&b, "[%d %s]", -5, "five");
    CHECK_INT(b.len, 16);
    CHECK(memcmp(b.data, "abc-x\0y[-5 five]", 17) == 0);
    for (int i = 0; i < 100000; i++) ft__buf_byte(&b, (char)('a' + i % 26));
    CHECK_INT(b.len, 100016);
    CHECK(b.data[16] == 'a' && b.data[100015] == 'a' + 99999 % 26 && b.data[100016] == 0);
    CHECK(memory.requests < 40);
    CHECK(!b.failed);
    ft__buf_free(&b);
    CHECK(b.data == NULL && b.len == 0 && memory.live == 0);
    ft__buf_text(&b, "again"); /* a freed buffer may be used again */
    CHECK_TEXT(b.data, "again");
    ft__buf_free(&b);
}

TEST(str, buffer_failure_sticks) {
    char big[4000];
    memset(big, 'b', sizeof big);
    for (long fail_at = 1; fail_at <= 2; fail_at++) {
        test_memory memory = {0, 0, fail_at};
        ft_allocator a = test_allocator(&memory);
        ft__buf b;
        ft__buf_init(&b, &a);
        ft__buf_text(&b, "start");
        CHECK(b.failed == (fail_at == 1));
        ft__buf_add(&b, big, sizeof big);
        CHECK(b.failed);
        memory.fail_at = 0; /* memory is back, but a hole in a text must not be papered over */
        long requests = memory.requests;
        ft__buf_byte(&b, '!');
        ft__buf_text(&b, "more");
        ft__buf_printf(&b, "%d", 1);
        ft__buf_fixed(&b, 1.5, 2);
        CHECK(b.failed && memory.requests == requests);
        CHECK_INT(b.len, fail_at == 1 ? 0 : 5);
        if (fail_at == 2) CHECK_TEXT(b.data, "start");
        ft__buf_free(&b);
        CHECK(memory.live == 0);
    }
    ft__buf b;
    ft__buf_init(&b, NULL);
    ft__buf_text(&b, "x");
    volatile size_t too_much = SIZE_MAX - 1;
    ft__buf_add(&b, big, too_much); /* the length would overflow */
    CHECK(b.failed);
    CHECK_TEXT(b.data, "x");
    ft__buf_free(&b);
}

TEST(str, fixed_decimals) {
    static const struct {
        double value;
        int decimals;
        const char *text;
    } rows[] = {
        {0, 0, "0"},
        {0, 3, "0.000"},
        {1, 0, "1"},
        {1, 9, "1.000000000"},
        {0.5, 0, "0"}, /* halves go to the even neighbour */
        {1.5, 0, "2"},
        {2.5, 0, "2"},
        {3.5, 0, "4"},
        {0.125, 2, "0.12"},
        {0.375, 2, "0.38"},
        {0.25, 1, "0.2"},
        {0.75, 1, "0.8"},
        {0.0625, 3, "0.062"},
        {0.9999, 3, "1.000"},
        {9.995, 1, "10.0"},
        {0.049, 1, "0.0"},
        {0.1, 4, "0.1000"},
        {3.14159265358979, 5, "3.14159"},
        {123456789.0, 2, "123456789.00"},
        {-1.25, 1, "-1.2"},
        {-1.75, 1, "-1.8"},
        {-0.5, 0, "0"}, /* no minus before a zero */
        {-0.04, 1, "0.0"},
        {-0.06, 1, "-0.1"},
        {-0.0, 2, "0.00"},
        {-12.5, 3, "-12.500"},
        {4503599627370496.0, 0, "4503599627370496"},
        {8999999999999999.0, 0, "8999999999999999"},
        {4.9e-324, 9, "0.000000000"},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        ft__buf b;
        ft__buf_init(&b, NULL);
        ft__buf_fixed(&b, rows[i].value, rows[i].decimals);
        CHECK_TEXT(b.data, rows[i].text);
        ft__buf_free(&b);
    }
}

TEST(str, fixed_decimals_of_what_is_no_number) {
    volatile double zero = 0;
    double values[3] = {1 / zero, -1 / zero, zero / zero};
    static const char *const texts[3] = {"inf", "-inf", "nan"};
    for (int i = 0; i < 3; i++) {
        ft__buf b;
        ft__buf_init(&b, NULL);
        ft__buf_fixed(&b, values[i], i);
        CHECK_TEXT(b.data, texts[i]);
        ft__buf_free(&b);
    }
}

TEST(str, text_equal) {
    CHECK(ft__text_equal("abc", 3, "abc", 3));
    CHECK(ft__text_equal("abcd", 3, "abce", 3));
    CHECK(!ft__text_equal("abc", 3, "abd", 3));
    CHECK(!ft__text_equal("abc", 3, "abc", 2));
    CHECK(ft__text_equal("a\0b", 3, "a\0b", 3));
    CHECK(!ft__text_equal("a\0b", 3, "a\0c", 3));
    CHECK(ft__text_equal(NULL, 0, "", 0));
}

TEST(str, nearest) {
    static const struct {
        const char *name;
        int more;
    } names[] = {{"exact_match", 1}, {"contains", 2}, {"f1", 3}, {"regex", 4}, {"contains_all", 5}};
    static const struct {
        const char *wanted, *nearest;
    } rows[] = {
        {"exact_match", "exact_match"},
        {"exact-match", "exact_match"},
        {"exactmatch", "exact_match"},
        {"xact_macth", "exact_match"}, /* a swap is two changes */
        {"contain", "contains"},
        {"contains_al", "contains_all"},
        {"contains_any", "contains_all"},
        {"regexp", "regex"},
        {"Regex", "regex"},
        {"f2", "f1"},
        {"f", "f1"},
        {"bleu", NULL},
        {"completely_else", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        const char *found = ft__nearest(rows[i].wanted, names, FT__COUNT(names), sizeof names[0]);
        if (!CHECK(rows[i].nearest ? found && strcmp(found, rows[i].nearest) == 0 : !found))
            test_note("\"%s\" gave \"%s\"", rows[i].wanted, found ? found : "(none)");
    }
    CHECK(ft__nearest("regex", names, 0, sizeof names[0]) == NULL);
    static const char *const twins[] = {"cat", "car", "cap"};
    CHECK_TEXT(ft__nearest("cab", twins, 3, sizeof twins[0]), "cat"); /* ties: the first */
}

TEST(str, nearest_takes_any_length) {
    char at_limit[64], longer[65], huge[5000];
    memset(at_limit, 'n', sizeof at_limit);
    memset(longer, 'n', sizeof longer);
    memset(huge, 'n', sizeof huge);
    at_limit[63] = longer[64] = huge[4999] = 0;
    const char *short_names[] = {at_limit}, *long_names[] = {longer, huge};
    CHECK(ft__nearest(at_limit, short_names, 1, sizeof short_names[0]) == at_limit);
    CHECK(ft__nearest(at_limit + 1, short_names, 1, sizeof short_names[0]) == at_limit);
    CHECK(ft__nearest(at_limit, long_names, 2, sizeof long_names[0]) == NULL);
    CHECK(ft__nearest(longer, short_names, 1, sizeof short_names[0]) == NULL);
}

TEST(str, glob) {
    static const struct {
        const char *pattern, *text;
        bool match;
    } rows[] = {
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"a", "a", true},
        {"a", "A", false},
        {"ab", "abc", false},
        {"abc", "ab", false},
        {"*", "", true},
        {"*", "anything", true},
        {"**", "", true},
        {"***", "x", true},
        {"?", "", false},
        {"?", "a", true},
        {"?", "ab", false},
        {"?*", "", false},
        {"*?", "a", true},
        {"??", "\xC3\xA9", true}, /* bytes, not characters */
        {"orders_*", "orders_", true},
        {"orders_*", "orders_eu", true},
        {"orders_*", "order", false},
        {"*_eu", "orders_eu", true},
        {"*_eu", "orders_eu_2", false},
        {"*_eu", "a_eu_eu", true},
        {"a*c", "ac", true},
        {"a*c", "abcbc", true},
        {"a*c", "abcb", false},
        {"a*b*c", "a1b2b3c", true},
        {"a*b*c", "a1c2c3b", false},
        {"*a?c*", "xxabcxx", true},
        {"*a?c*", "xxacxx", false},
        {"*ab", "aab", true},
        {"*aab", "aaab", true},
        {"a*a", "a", false},
        {"*.json", "x.json.json", true},
        {"[a]", "a", false}, /* nothing else is special */
        {"[a]", "[a]", true},
        {"a\\*", "a*", false},
        {"a\\*", "a\\b", true},
        {"*", "*", true},
        {"?", "*", true},
        {"x", "*", false},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++)
        if (!CHECK(ft__glob(rows[i].pattern, rows[i].text) == rows[i].match))
            test_note("\"%s\" on \"%s\"", rows[i].pattern, rows[i].text);
}

/* A matcher that tries all ways takes longer than the sun shines. */
TEST(str, glob_does_not_explode) {
    char text[3001], pattern[101];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    for (size_t i = 0; i < 98; i++) pattern[i] = i % 2 ? '*' : 'a';
    memcpy(pattern + 98, "b", 2);
    double start = ft__seconds();
    CHECK(!ft__glob(pattern, text));
    pattern[98] = 'a';
    CHECK(ft__glob(pattern, text));
    CHECK(ft__seconds() - start < 1);
}

/* Decodes `n` bytes in an exactly fitting block, where the sanitizer sees a read beyond the end. */
static size_t decode(const char *bytes, size_t n, uint32_t out[16]) {
    char *copy = (char *)malloc(n ? n : 1);
    if (n) memcpy(copy, bytes, n);
    const char *p = copy;
    size_t count = 0;
    while (p < copy + n && count < 16) {
        const char *before = p;
        out[count] = ft__utf8_next(&p, copy + n);
        bool moved = out[count] == FT__BAD_UTF8 ? p == before + 1 : p > before && p <= copy + n;
        if (!CHECK(moved)) break;
        count++;
    }
    free(copy);
    return count;
}

#define BAD FT__BAD_UTF8
TEST(str, utf8_valid_and_invalid) {
    static const struct {
        const char *bytes;
        size_t n, count;
        uint32_t out[8];
    } rows[] = {
        {"", 0, 0, {0}},
        {"\0", 1, 1, {0}},
        {"A\x7F", 2, 2, {'A', 0x7F}},
        {"\xC2\x80", 2, 1, {0x80}},
        {"\xDF\xBF", 2, 1, {0x7FF}},
        {"\xE0\xA0\x80", 3, 1, {0x800}},
        {"\xE2\x82\xAC!", 4, 2, {0x20AC, '!'}},
        {"\xED\x9F\xBF", 3, 1, {0xD7FF}},
        {"\xEE\x80\x80", 3, 1, {0xE000}},
        {"\xEF\xBF\xBD", 3, 1, {0xFFFD}},
        {"\xEF\xBF\xBF", 3, 1, {0xFFFF}},
        {"\xF0\x90\x80\x80", 4, 1, {0x10000}},
        {"\xF0\x9F\x98\x80", 4, 1, {0x1F600}},
        {"\xF4\x8F\xBF\xBF", 4, 1, {0x10FFFF}},
        /* a continuation without a beginning */
        {"\x80", 1, 1, {BAD}},
        {"\xBF\x41", 2, 2, {BAD, 'A'}},
        /* bytes that never occur */
        {"\xC0\x80", 2, 2, {BAD, BAD}},
        {"\xC1\xBF", 2, 2, {BAD, BAD}},
        {"\xF5\x80\x80\x80", 4, 4, {BAD, BAD, BAD, BAD}},
        {"\xFE\xFF", 2, 2, {BAD, BAD}},
        /* longer than needed */
        {"\xE0\x9F\xBF", 3, 3, {BAD, BAD, BAD}},
        {"\xE0\x80\xAF", 3, 3, {BAD, BAD, BAD}},
        {"\xF0\x8F\xBF\xBF", 4, 4, {BAD, BAD, BAD, BAD}},
        /* surrogates, beyond the last code point */
        {"\xED\xA0\x80", 3, 3, {BAD, BAD, BAD}},
        {"\xED\xBF\xBF", 3, 3, {BAD, BAD, BAD}},
        {"\xF4\x90\x80\x80", 4, 4, {BAD, BAD, BAD, BAD}},
        /* cut at the end */
        {"\xC3", 1, 1, {BAD}},
        {"\xE2\x82", 2, 2, {BAD, BAD}},
        {"\xF0\x9F\x98", 3, 3, {BAD, BAD, BAD}},
        /* cut by something else, which is then read */
        {"\xC3" "A", 2, 2, {BAD, 'A'}},
        {"\xE2\x82" "A", 3, 3, {BAD, BAD, 'A'}},
        {"\xE2\xC3\xA9", 3, 2, {BAD, 0xE9}},
        {"\xF0\x9F\x98\xC3\xA9", 5, 4, {BAD, BAD, BAD, 0xE9}},
        {"\xF0\x9F\x98\x41", 4, 4, {BAD, BAD, BAD, 'A'}},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        uint32_t out[16] = {0};
        bool same = CHECK_INT(decode(rows[i].bytes, rows[i].n, out), rows[i].count);
        for (size_t k = 0; k < rows[i].count; k++) same = CHECK_INT(out[k], rows[i].out[k]) && same;
        if (!same) test_note("row %zu", i);
    }
}
#undef BAD

TEST(str, utf8_round_trip_of_all_code_points) {
    long wrong = 0;
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        if (c == 0xD800) c = 0xE000;
        char bytes[5] = "xxxx";
        int n = ft__utf8_encode(c, bytes);
        const char *p = bytes;
        wrong += n != (c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
        wrong += n < 4 && bytes[n] != 'x';
        wrong += ft__utf8_next(&p, bytes + n) != c || p != bytes + n;
        wrong += ft__utf8_incomplete_tail(bytes, (size_t)n) != 0;
        for (int cut = 1; cut < n; cut++)
            wrong += ft__utf8_incomplete_tail(bytes, (size_t)cut) != (size_t)cut;
    }
    CHECK_INT(wrong, 0);
}

/* The definition of Unicode, by value: not longer than needed, no surrogate, not too large. */
static bool well_formed(const unsigned char *s, size_t n) {
    uint32_t c = n == 1 ? s[0] : s[0] & (0xFFu >> (n + 1));
    static const unsigned char marks[5] = {0, 0, 0xC0, 0xE0, 0xF0};
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (n == 1) return s[0] < 0x80;
    if ((s[0] & (0xFFu << (7 - n) & 0xFF)) != marks[n]) return false;
    for (size_t i = 1; i < n; i++) {
        if (s[i] >> 6 != 2) return false;
        c = c << 6 | (s[i] & 63u);
    }
    return c >= least[n] && c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF);
}

static long differs(const unsigned char *s, size_t n) {
    const char *text = (const char *)s, *p = text;
    size_t length = 0;
    for (size_t k = 1; k <= n && !length; k++)
        if (well_formed(s, k)) length = k;
    uint32_t c = ft__utf8_next(&p, text + n);
    return length ? c == FT__BAD_UTF8 || p != text + length : c != FT__BAD_UTF8 || p != text + 1;
}

/* All pairs, and all triples and quadruples of the bytes where the rules change. */
TEST(str, utf8_exhaustive) {
    static const unsigned char edges[] = {
        0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF,
        0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF};
    const unsigned E = sizeof edges;
    long wrong = 0;
    for (unsigned i = 0; i < 65536; i++) {
        unsigned char s[2] = {(unsigned char)(i >> 8), (unsigned char)i};
        wrong += differs(s, 2);
    }
    for (unsigned i = 0; i < E * E * E * E; i++) {
        unsigned char s[4] = {edges[i / E / E / E], edges[i / E / E % E], edges[i / E % E],
                              edges[i % E]};
        wrong += differs(s, 4) + differs(s, 3);
    }
    CHECK_INT(wrong, 0);
}

TEST(str, utf8_incomplete_tail) {
    static const struct {
        const char *text;
        size_t n, tail;
    } rows[] = {
        {"", 0, 0},
        {"abc", 3, 0},
        {"ab\xC3", 3, 1},
        {"ab\xC3\xA9", 4, 0},
        {"\xE2", 1, 1},
        {"a\xE2\x82", 3, 2},
        {"a\xE2\x82\xAC", 4, 0},
        {"a\xF0", 2, 1},
        {"a\xF0\x9F", 3, 2},
        {"a\xF0\x9F\x98", 4, 3},
        {"a\xF0\x9F\x98\x80", 5, 0},
        {"\x80\x80\x80\x80", 4, 0}, /* these will never be a character: do not wait */
        {"\xC0", 1, 0},
        {"\xF5", 1, 0},
        {"\xE0\x9F", 2, 0},
        {"\xED\xA0", 2, 0},
        {"\xF0\x8F", 2, 0},
        {"\xF4\x90", 2, 0},
        {"\xF4\x90\x80", 3, 0},
        {"\xF4\x8F\xBF", 3, 3},
        {"\xC3\xA9\xA9", 3, 0},
        {"\xE2\x82\xAC\xE2", 4, 1},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++)
        if (!CHECK_INT(ft__utf8_incomplete_tail(rows[i].text, rows[i].n), rows[i].tail))
            test_note("row %zu", i);
}
