/* Totals from the Unicode Character Database's own figures, vectors from Python. */
#include "test.h"
#include "../src/io/json.h"

static bool lower_is(const char *text, size_t n, const char *expected, size_t n_expected) {
    ft__buf out;
    ft__buf_init(&out, NULL);
    ft__lower(text, n, &out);
    bool ok = !out.failed && out.len == n_expected &&
              (n_expected == 0 || memcmp(out.data, expected, n_expected) == 0);
    if (!ok) test_note("\"%.*s\" became \"%s\"", (int)n, text, out.data ? out.data : "");
    ft__buf_free(&out);
    return ok;
}
#define LOWER(text, expected) \
    CHECK(lower_is(text, sizeof(text) - 1, expected, sizeof(expected) - 1))

TEST(unicode, class_totals) {
    /* Unicode 15.0: code points of each class, and what is left over. */
    static const int expected[] = {1831, 31, 2233, 397, 131612, 2450, 680, 1151, 842, 7770, 19, 6};
    int count[FT__UNICODE_C + 1] = {0};
    for (uint32_t c = 0; c <= 0x10FFFF; c++) count[ft__char_class_of(c)]++;
    for (size_t i = 0; i < FT__COUNT(expected); i++) CHECK_INT(count[i], expected[i]);
    CHECK_INT(ft__char_class_of(0x110000), FT__UNICODE_C);
    CHECK_INT(ft__char_class_of(FT__BAD_UTF8), FT__UNICODE_C);
}

TEST(unicode, classes) {
    static const struct {
        uint32_t c;
        ft__char_class char_class;
    } rows[] = {
        {'A', FT__UNICODE_LU}, {'z', FT__UNICODE_LL}, {'7', FT__UNICODE_ND}, {'_', FT__UNICODE_P},
        {'$', FT__UNICODE_S}, {' ', FT__UNICODE_Z}, {'\t', FT__UNICODE_CONTROL_SPACE},
        {0, FT__UNICODE_C}, {0x7F, FT__UNICODE_C}, {0x85, FT__UNICODE_CONTROL_SPACE},
        {0xAA, FT__UNICODE_LO}, {0xB2, FT__UNICODE_NO}, {0x100, FT__UNICODE_LU},
        {0x101, FT__UNICODE_LL}, {0x1C5, FT__UNICODE_LT}, {0x2B0, FT__UNICODE_LM},
        {0x301, FT__UNICODE_M}, {0x903, FT__UNICODE_M}, {0x660, FT__UNICODE_ND},
        {0x2160, FT__UNICODE_NO}, {0x200B, FT__UNICODE_C}, {0x3000, FT__UNICODE_Z},
        {0x4E00, FT__UNICODE_LO}, {0x9FFF, FT__UNICODE_LO}, {0xAC00, FT__UNICODE_LO},
        {0xE000, FT__UNICODE_C}, {0x1F600, FT__UNICODE_S}, {0x1D400, FT__UNICODE_LU},
        {0x323AF, FT__UNICODE_LO}, {0x323B0, FT__UNICODE_C}, {0xE01EF, FT__UNICODE_M},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++)
        CHECK_INT(ft__char_class_of(rows[i].c), rows[i].char_class);
}

TEST(unicode, python_sets) {
    int space = 0, word = 0;
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        space += ft__is_space(c);
        word += ft__is_word(c);
    }
    CHECK_INT(space, 25 + 4);
    CHECK_INT(word, 136104 + 1831 + 1);
    CHECK(ft__is_space(0x1C) && ft__is_space(0x2028) && ft__is_space(0x85));
    CHECK(!ft__is_space(0x200B) && !ft__is_space(0xFEFF) && !ft__is_space(0xAD));
    CHECK(ft__is_word('_') && ft__is_word(0xE9) && ft__is_word(0xBD) && ft__is_word(0x4E00));
    CHECK(!ft__is_word(0x301) && !ft__is_word('-') && !ft__is_word(FT__BAD_UTF8));
}

TEST(unicode, lower) {
    LOWER("", "");
    LOWER("Hello, World 42", "hello, world 42");
    LOWER("\xC3\x89" "COLE \xC3\x9F", "\xC3\xA9" "cole \xC3\x9F");         /* ÉCOLE ß */
    LOWER("\xC4\xB0stanbul", "i\xCC\x87stanbul");                         /* İ: two characters */
    LOWER("\xE2\x84\xAA", "k");                                           /* Kelvin sign */
    LOWER("\xE1\xBA\x9E", "\xC3\x9F");                                    /* capital sharp s */
    LOWER("\xF0\x90\x90\x80", "\xF0\x90\x90\xA8");                        /* Deseret */
    LOWER("\xC7\x85", "\xC7\x86");                                        /* title case Dž */
    LOWER("A\xFF\xC3" "B\xED\xA0\x80", "a\xFF\xC3" "b\xED\xA0\x80");      /* invalid bytes stay */
    LOWER("A\0B", "a\0b");
}

TEST(unicode, final_sigma) {
#define S "\xCE\xA3" /* Σ */
#define s "\xCF\x83" /* σ */
#define f "\xCF\x82" /* ς */
    LOWER(S, s);
    LOWER("A" S, "a" f);
    LOWER(S "A" S, s "a" f);
    LOWER("A" S "B", "a" s "b");
    LOWER("A" S " B", "a" f " b");
    LOWER("A" S "1", "a" f "1");
    LOWER("1" S, "1" s);
    LOWER("A'" S, "a'" f);             /* an apostrophe is ignorable */
    LOWER("A" S "'", "a" f "'");
    LOWER("A" S "'B", "a" s "'b");
    LOWER("A" S ".\xCC\x81" "B", "a" s ".\xCC\x81" "b");
    LOWER("A\xCC\x81" S "\xCC\x81", "a\xCC\x81" f "\xCC\x81");
    LOWER("A" S S, "a" s f);
    LOWER("A" S "\xFF", "a" f "\xFF");
#undef S
#undef s
#undef f
}

TEST(unicode, simple_case) {
    int pairs = 0;
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        uint32_t lower = ft__lower_char(c), upper = ft__upper_char(c);
        pairs += lower != c;
        if (ft__lower_char(lower) != lower) test_check(false, "lower twice", __FILE__, (int)c);
        if (upper != c && ft__lower_char(upper) != c) test_check(false, "upper", __FILE__, (int)c);
        if (lower != c && ft__upper_char(lower) == lower) test_check(false, "back", "", (int)c);
    }
    CHECK_INT(pairs, 1433);
    CHECK_INT(ft__lower_char(0x130), 'i');
    CHECK_INT(ft__upper_char('k'), 'K');
    CHECK_INT(ft__upper_char(0xDF), 0x1E9E);
    CHECK_INT(ft__lower_char(0x110000), 0x110000);
    CHECK(ft__lower_char(FT__BAD_UTF8) == FT__BAD_UTF8);
}

TEST(unicode, lower_is_linear) {
    /* Capital sigmas with long ignorable tails: each tail is looked at once. */
    enum { N = 1000000 };
    char *text = (char *)malloc(N);
    memset(text, '\'', N);
    text[0] = 'A';
    for (int i = 1; i + 1 < N; i += 1000) memcpy(text + i, "\xCE\xA3", 2);
    ft__buf out;
    ft__buf_init(&out, NULL);
    double start = ft__seconds();
    ft__lower(text, N, &out);
    CHECK(ft__seconds() - start < 3);
    CHECK_INT(out.len, N);
    ft__buf_free(&out);
    free(text);
}

TEST(unicode, out_of_memory) {
    test_memory memory = {0, 0, 1};
    ft_allocator a = test_allocator(&memory);
    ft__buf out;
    ft__buf_init(&out, &a);
    ft__lower("ABC", 3, &out);
    CHECK(out.failed);
    ft__buf_free(&out);
    CHECK_INT(memory.live, 0);
}

static ft__buf normal_out;

static const char *nfc(const ft__normal *t, const char *text) {
    normal_out.len = 0;
    ft__nfc(t, text, strlen(text), &normal_out);
    ft__buf_byte(&normal_out, 0);
    CHECK(!ft__is_nfc_at_sight(t, text, strlen(text)) || strcmp(normal_out.data, text) == 0);
    return normal_out.data;
}

TEST(unicode, normal_form) {
    ft__arena arena;
    ft__arena_init(&arena, NULL);
    ft__buf_init(&normal_out, NULL);
    const ft__normal *t = ft__normal_create(&arena);
    CHECK_TEXT(nfc(t, "plain \xC3\xA9"), "plain \xC3\xA9");
    CHECK_TEXT(nfc(t, "xe\xCC\x81y"), "x\xC3\xA9y");
    /* a dot below goes before the acute: e + acute + dot is e-dot + acute */
    CHECK_TEXT(nfc(t, "\xC3\xA9\xCC\xA3"), "\xE1\xBA\xB9\xCC\x81");
    CHECK_TEXT(nfc(t, "e\xCC\x81\xCC\x81"), "\xC3\xA9\xCC\x81");
    CHECK_TEXT(nfc(t, "\xE2\x84\xA6"), "\xCE\xA9");         /* the ohm sign is an omega */
    CHECK_TEXT(nfc(t, "\xE0\xA5\x98"), "\xE0\xA4\x95\xE0\xA4\xBC"); /* not composed again */
    CHECK_TEXT(nfc(t, "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB"), "\xED\x95\x9C"); /* Hangul */
    CHECK_TEXT(nfc(t, "\xF0\xAF\xA0\x80"), "\xE4\xB8\xBD"); /* beyond U+1FFFF */
    CHECK_TEXT(nfc(t, "\xCC\x81" "e\xFF\xCC\x81"), "\xCC\x81" "e\xFF\xCC\x81"); /* a bad byte */
    uint32_t parts[4];
    CHECK_INT(ft__decompose(t, 0x1FA7, parts), 4); /* omega with three marks */
    CHECK_INT(parts[0], 0x3C9);
    CHECK_INT(parts[3], 0x345);
    CHECK_INT(ft__decompose(t, 'a', parts), 1);
    CHECK(ft__is_nonspacing(0x301) && !ft__is_nonspacing(0x903) && !ft__is_nonspacing('a'));
    test_memory memory = {0, 0, 1};
    ft_allocator a = test_allocator(&memory);
    ft__buf out;
    ft__buf_init(&out, &a);
    ft__nfc(t, "e\xCC\x81", 3, &out);
    CHECK(out.failed);
    ft__buf_free(&out);
    CHECK_INT(memory.live, 0);
    ft__buf_free(&normal_out);
    ft__arena_free(&arena);
}
