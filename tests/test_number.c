/* Numbers: vectors, and the C library as a witness: its strtod and printf are exact. */
#include "../src/io/json.h"
#include "test.h"

#include <locale.h>

static uint64_t bits_of(double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static double from_bits(uint64_t bits) {
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* The text reads as these bits. */
static void reads_as(const char *text, size_t n, uint64_t bits) {
    double v = -77;
    if (!CHECK(ft__number_parse(text, n, &v)) || !CHECK(bits_of(v) == bits))
        test_note("%.60s gave %.17g", text, v);
}

static void overflows(const char *text) {
    double v;
    if (!CHECK(!ft__number_parse(text, strlen(text), &v))) test_note("%.60s", text);
}

static void writes(double v, const char *expected) {
    char out[32];
    memset(out, 'x', sizeof out);
    size_t n = ft__number_write(v, out);
    CHECK_TEXT(out, expected);
    CHECK_INT(n, strlen(expected));
}

/* What is written reads back as the same bits, and printf needs as many digits for that. */
static void check_round_trip(double v) {
    char out[32], probe[40];
    size_t n = ft__number_write(v, out);
    double back;
    if (!CHECK(n == strlen(out) && n < 26) || !CHECK(ft__number_parse(out, n, &back)) ||
        !CHECK(bits_of(back) == bits_of(v)) || !CHECK(bits_of(strtod(out, NULL)) == bits_of(v))) {
        test_note("%.17g was written %s", v, out);
        return;
    }
    const char *first = out + strspn(out, "-0."), *last = first;
    for (const char *p = first; *p && *p != 'e'; p++)
        if (*p >= '1' && *p <= '9') last = p + 1;
    int digits = (int)(last - first) - (memchr(first, '.', (size_t)(last - first)) != NULL);
    if (digits < 2) return;
    snprintf(probe, sizeof probe, "%.*e", digits - 2, v);
    if (!CHECK(strtod(probe, NULL) != v)) test_note("%s is longer than %s", out, probe);
}

/* A small generator of our own, so that a failure comes back. */
static uint64_t next_random(uint64_t *state) {
    *state += 0x9E3779B97F4A7C15u;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

TEST(number, reads_vectors) {
    static const struct {
        const char *text;
        uint64_t bits;
    } rows[] = {
        {"0", 0},
        {"-0", 0x8000000000000000u},
        {"-0.000e5", 0x8000000000000000u},
        {"0e99999999999999999999999", 0},
        {"1", 0x3FF0000000000000u},
        {"-1.5", 0xBFF8000000000000u},
        {"0.1", 0x3FB999999999999Au},
        {"1E2", 0x4059000000000000u},
        {"1e+2", 0x4059000000000000u},
        {"1000e-1", 0x4059000000000000u},
        {"0.00000000000000000000000000000000000001e40", 0x4059000000000000u},
        {"1e22", 0x4480F0CF064DD592u},
        {"1e23", 0x44B52D02C7E14AF6u},
        {"123456789012345678", 0x437B69B4BA630F35u},
        {"9007199254740991", 0x433FFFFFFFFFFFFFu},
        {"9007199254740992", 0x4340000000000000u},
        {"9007199254740993", 0x4340000000000000u}, /* half way: to even, down */
        {"9007199254740995", 0x4340000000000002u}, /* half way: to even, up */
        {"9007199254740993.0000000000000000000000000000000000001", 0x4340000000000001u},
        {"18446744073709551615", 0x43F0000000000000u},
        {"18446744073709551616", 0x43F0000000000000u},
        {"100000000000000000000000000000000000000000", 0x48725DFA371A19E7u},
        {"2.2250738585072011e-308", 0x000FFFFFFFFFFFFFu}, /* the one that hung PHP and Java */
        {"2.2250738585072012e-308", 0x0010000000000000u},
        {"2.2250738585072014e-308", 0x0010000000000000u},
        {"4.9406564584124654e-324", 1},
        {"5e-324", 1},
        {"3e-324", 1},
        {"2.4703282292062327e-324", 0},
        {"2.4703282292062328e-324", 1},
        {"2e-324", 0},
        {"1e-324", 0},
        {"1e-400", 0},
        {"-1e-99999999999999999999999999", 0x8000000000000000u},
        {"1.7976931348623157e308", 0x7FEFFFFFFFFFFFFFu},
        {"1.7976931348623158e308", 0x7FEFFFFFFFFFFFFFu},
        {"1.7976931348623158079372897e308", 0x7FEFFFFFFFFFFFFFu}, /* just below the midpoint */
        {"-1.7976931348623157e+308", 0xFFEFFFFFFFFFFFFFu},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++)
        reads_as(rows[i].text, strlen(rows[i].text), rows[i].bits);
}

TEST(number, refuses_overflow) {
    overflows("1e309");
    overflows("-1e309");
    overflows("1.7976931348623159e308");
    overflows("1.797693134862315808e308"); /* above the midpoint to what would be 2^1024 */
    overflows("1e99999999999999999999999999");
    overflows("0.000001e400");
}

/* Texts far longer than a double needs: the digits beyond the 800th still break a tie. */
TEST(number, reads_long_texts) {
    enum { LONG = 300000 };
    static char text[LONG + 64];
    memcpy(text, "9007199254740993.", 17);
    memset(text + 17, '0', LONG);
    reads_as(text, 17 + LONG, 0x4340000000000000u);
    text[17 + LONG - 1] = '1';
    reads_as(text, 17 + LONG, 0x4340000000000001u);

    memset(text, '0', LONG); /* 0.000...0001e300000 = 1e2 or so, whatever the exponent's size */
    text[1] = '.';
    text[LONG - 1] = '1';
    memcpy(text + LONG, "e300000", 7);
    reads_as(text, LONG + 7, bits_of(100.0));

    memset(text, '9', 400); /* 400 nines are too many, but not with e-200 */
    text[400] = 0;
    overflows(text);
    memcpy(text + 400, "e-200", 6);
    reads_as(text, 405, bits_of(1e200));
    text[0] = '1';
    memset(text + 1, '0', LONG);
    memcpy(text + LONG, "e-299999", 9);
    reads_as(text, LONG + 8, bits_of(1.0));
}

/* The exact midpoints between neighbours, with a nudge to either side. */
TEST(number, rounds_midpoints) {
    uint64_t state = 5;
    char text[1300];
    for (int i = 0; i < 300; i++) {
        uint64_t bits = next_random(&state) & 0x7FFFFFFFFFFFFFFFu;
        if (i % 3 == 0) bits &= 0x003FFFFFFFFFFFFFu; /* subnormals and their neighbours */
        if (bits >> 52 >= 0x7FD) continue;
        double low = from_bits(bits), high = from_bits(bits + 1);
        /* (low + high) / 2 has one bit more than a double: glibc and friends print long doubles
           exactly, which hold it on x86; elsewhere the test has less to say */
        long double middle = ((long double)low + (long double)high) / 2;
        if (middle <= (long double)low || middle >= (long double)high) continue;
        int n = snprintf(text, sizeof text - 8, "%.800Le", middle);
        char *e = strchr(text, 'e');
        if (!CHECK(n > 0 && e)) return;
        reads_as(text, (size_t)n, bits & 1 ? bits + 1 : bits);
        e[-1] = '1';
        reads_as(text, (size_t)n, bits + 1);
    }
}

TEST(number, reads_as_strtod_does) {
    uint64_t state = 1;
    char text[64];
    for (int i = 0; i < 40000; i++) {
        double v = from_bits(next_random(&state));
        if (!ft__finite(v)) continue;
        int digits = (int)(next_random(&state) % 25);
        int n = snprintf(text, sizeof text, "%.*e", digits, v);
        double expected = strtod(text, NULL);
        if (ft__finite(expected))
            reads_as(text, (size_t)n, bits_of(expected));
        else
            overflows(text);
        n = snprintf(text, sizeof text, "%.*f", digits / 2,
                     (double)(int64_t)next_random(&state) * 1e-6);
        reads_as(text, (size_t)n, bits_of(strtod(text, NULL)));
    }
}

TEST(number, writes_vectors) {
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0.0, "0"},
        {5, "5"},
        {-5, "-5"},
        {10, "10"},
        {1e15, "1000000000000000"},
        {123456789012345.0, "123456789012345"},
        {9007199254740991.0, "9007199254740991"},
        {9007199254740990.0, "9007199254740990"},
        {9007199254740992.0, "9007199254740992"},
        {1e16, "1e+16"},
        {12345678901234567890.0, "1.2345678901234567e+19"},
        {1e22, "1e+22"},
        {1e23, "1e+23"},
        {1e300, "1e+300"},
        {0.1, "0.1"},
        {0.5, "0.5"},
        {-1.25, "-1.25"},
        {0.30000000000000004, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {2.0 / 3, "0.6666666666666666"},
        {100.5, "100.5"},
        {123456.789, "123456.789"},
        {0.0001, "0.0001"},
        {0.00012345678901234567, "0.00012345678901234567"},
        {0.00001, "1e-05"},
        {1.5e-7, "1.5e-07"},
        {1e-10, "1e-10"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"}, /* a power of two: uneven gaps */
        {2.225073858507201e-308, "2.225073858507201e-308"},
        {5.684341886080802e-14, "5.684341886080802e-14"}, /* 2^-44 */
        {9.5367431640625e-07, "9.5367431640625e-07"},
        {2251799813685248.5, "2251799813685248.5"}, /* 17 digits, all needed */
        {4503599627370495.5, "4503599627370495.5"},
        {65537.0 / 131072,
         "0.5000076293945312"}, /* 0.50000762939453125: a tie of two texts, even digit */
        {65539.0 / 131072, "0.5000228881835938"}, /* 0.50002288818359375 */
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) writes(rows[i].value, rows[i].text);
    writes(from_bits(0x8000000000000000u), "-0");
}

TEST(number, round_trips) {
    uint64_t state = 3;
    for (int i = 0; i < 20000; i++) {
        double v = from_bits(next_random(&state));
        if (ft__finite(v)) check_round_trip(v);
        check_round_trip((double)(int64_t)next_random(&state) * 0x1p-63); /* in -1..1 */
        check_round_trip((double)(next_random(&state) % 1000000) / 1000);
        check_round_trip(from_bits(next_random(&state) >> 12)); /* subnormal */
    }
    for (double power = 5e-324; power <= 0x1p1023; power *= 2) { /* uneven gaps around each */
        for (int step = -1; step <= 1; step++) {
            char out[32];
            double near = from_bits(bits_of(power) + (uint64_t)(int64_t)step), back = -1;
            size_t n = ft__number_write(near, out);
            CHECK(ft__number_parse(out, n, &back) && bits_of(back) == bits_of(near));
        }
        if (power == 0x1p1023) break;
    }
}

/* Integers below 2^53 have neither point nor exponent. */
TEST(number, writes_integers_plainly) {
    uint64_t state = 9;
    char expected[32];
    for (int i = 0; i < 20000; i++) {
        uint64_t whole = next_random(&state) >> (11 + next_random(&state) % 53);
        snprintf(expected, sizeof expected, "-%llu", (unsigned long long)whole);
        writes((double)whole, expected + 1);
        if (whole) writes(-(double)whole, expected);
    }
}

TEST(number, ignores_the_locale) {
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8"};
    size_t i = 0;
    while (i < FT__COUNT(names) && !setlocale(LC_ALL, names[i])) i++;
    if (i == FT__COUNT(names)) SKIP("no locale with a decimal comma");
    reads_as("1.5", 3, bits_of(1.5));
    reads_as("0.30000000000000004", 19, bits_of(0.30000000000000004));
    writes(1.5, "1.5");
    writes(1234567.25, "1234567.25");
    writes(0.30000000000000004, "0.30000000000000004");
    setlocale(LC_ALL, "C");
}
