/* Errors: the table of statuses, and what a long or missing text does to an ft_error. */
#include "test.h"

#define ROW(name, exit_code, text) {name, #name, exit_code},
static const struct {
    ft_status status;
    const char *name;
    int exit_code;
} rows[] = {FT_STATUS_LIST(ROW)};
#undef ROW

TEST(error, every_status_has_a_name_a_text_and_an_exit_code) {
    CHECK_INT(FT__COUNT(rows), FT_STATUS_COUNT);
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        CHECK_INT(rows[i].status, i);
        CHECK_TEXT(ft_status_name(rows[i].status), rows[i].name);
        CHECK(ft_status_text(rows[i].status)[0] != 0);
        int code = ft_status_exit_code(rows[i].status);
        CHECK_INT(code, rows[i].exit_code);
        if (!CHECK(rows[i].status == FT_OK ? code == 0 : code == 3 || code == 4))
            test_note("%s", rows[i].name);
        for (size_t j = 0; j < i; j++) {
            CHECK(strcmp(ft_status_name(rows[i].status), ft_status_name(rows[j].status)) != 0);
            CHECK(strcmp(ft_status_text(rows[i].status), ft_status_text(rows[j].status)) != 0);
        }
    }
}

TEST(error, an_unknown_status_is_safe) {
    static const int unknown[] = {-1, FT_STATUS_COUNT, 1000, INT_MAX, INT_MIN};
    for (size_t i = 0; i < FT__COUNT(unknown); i++) {
        ft_status status = (ft_status)unknown[i];
        CHECK_TEXT(ft_status_name(status), "FT_ERR_UNKNOWN");
        CHECK_TEXT(ft_status_text(status), "unknown status");
        CHECK_INT(ft_status_exit_code(status), 4);
    }
}

TEST(error, fail_fills_the_error_and_returns_the_code) {
    ft_error err;
    memset(&err, 'x', sizeof err);
    ft_status status = ft__fail(&err, FT_ERR_FORMAT, "a.gguf", "found %d, expected %s", 7, "8");
    CHECK_INT(status, FT_ERR_FORMAT);
    CHECK_INT(err.code, FT_ERR_FORMAT);
    CHECK_TEXT(err.where, "a.gguf");
    CHECK_TEXT(err.message, "found 7, expected 8");

    CHECK_INT(ft__fail(&err, FT_ERR_JOB, NULL, "no place"), FT_ERR_JOB);
    CHECK_TEXT(err.where, "");
    CHECK_INT(ft__fail(&err, FT_ERR_JOB, "", "%s", ""), FT_ERR_JOB);
    CHECK_TEXT(err.where, "");
    CHECK_TEXT(err.message, "");
    CHECK_ERROR(ft__fail_memory(&err), FT_ERR_MEMORY, err, "out of memory");
}

TEST(error, nobody_has_to_take_the_error) {
    CHECK_INT(ft__fail(NULL, FT_ERR_IO, "place", "text %d", 1), FT_ERR_IO);
    CHECK_INT(ft__fail(NULL, FT_ERR_IO, NULL, "text"), FT_ERR_IO);
    CHECK_INT(ft__fail_memory(NULL), FT_ERR_MEMORY);
}

TEST(error, long_texts_are_cut_and_nothing_else_is_touched) {
    struct {
        char before[16];
        ft_error err;
        char after[16];
    } s;
    char text[2000], guard[16];
    memset(&s, 'g', sizeof s);
    memset(guard, 'g', sizeof guard);
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = 0;
    ft__fail(&s.err, FT_ERR_DATA, text, "<%s>", text);
    CHECK_INT(s.err.code, FT_ERR_DATA);
    CHECK_INT(strlen(s.err.message), sizeof s.err.message - 1);
    CHECK_INT(strlen(s.err.where), sizeof s.err.where - 1);
    CHECK(memcmp(s.err.message, "<aaa", 4) == 0);
    CHECK(memcmp(s.before, guard, sizeof guard) == 0);
    CHECK(memcmp(s.after, guard, sizeof guard) == 0);
}

/* An error ends on a terminal: bytes that steer it do not get there, UTF-8 does. */
TEST(error, control_bytes_are_tamed) {
    ft_error err;
    ft__fail(&err, FT_ERR_DATA, "a\x1b[2J\nb", "tab\there \x01%s ~ Gr\xC3\xBC\xC3\x9F" "e",
             "\x1f\x7f");
    CHECK_TEXT(err.where, "a?[2J?b");
    CHECK_TEXT(err.message, "tab?here ??? ~ Gr\xC3\xBC\xC3\x9F" "e");
}
