/* JSONL: lines, their numbers, and where errors are said to be. */
#include "../src/io/json.h"
#include "test.h"

/* Reads all; returns how many values there were, or -1 after an error (in *err). */
static int count_values(const char *text, size_t n, ft_error *err) {
    ft__jsonl reader;
    ft__arena arena;
    ft__json *value;
    int count = 0;
    ft_status status;
    ft__arena_init(&arena, NULL);
    ft__jsonl_init(&reader, text, n, "rows.jsonl");
    while ((status = ft__jsonl_next(&reader, &arena, &value, err)) == FT_OK && value) count++;
    ft__arena_free(&arena);
    return status == FT_OK ? count : -1;
}

TEST(jsonl, reads_lines) {
    static const char text[] = "{\"a\": 1}\n\n  [2]\r\n \t\r\n\"x\"  \r\nnull";
    static const struct {
        ft__json_type type;
        uint32_t line;
        const char *bytes;
    } rows[] = {{FT__JSON_OBJECT, 1, "{\"a\": 1}"},
                {FT__JSON_ARRAY, 3, "  [2]"},
                {FT__JSON_STRING, 5, "\"x\"  "},
                {FT__JSON_NULL, 6, "null"}};
    ft__jsonl reader;
    ft__arena arena;
    ft__json *value = NULL;
    ft_error err;
    ft__arena_init(&arena, NULL);
    ft__jsonl_init(&reader, text, sizeof text - 1, "rows.jsonl");
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        if (!CHECK_OK(ft__jsonl_next(&reader, &arena, &value, &err), err) || !CHECK(value != NULL))
            break;
        CHECK_INT(value->type, rows[i].type);
        CHECK_INT(value->line, rows[i].line);
        CHECK_INT(reader.line, rows[i].line);
        CHECK(ft__text_equal(reader.line_text, reader.line_len, rows[i].bytes,
                             strlen(rows[i].bytes)));
    }
    for (int i = 0; i < 2; i++) { /* the end stays the end */
        CHECK_OK(ft__jsonl_next(&reader, &arena, &value, &err), err);
        CHECK(value == NULL);
    }
    ft__arena_free(&arena);
}

TEST(jsonl, skips_what_is_blank) {
    ft_error err;
    CHECK_INT(count_values(NULL, 0, &err), 0);
    CHECK_INT(count_values("\n", 1, &err), 0);
    CHECK_INT(count_values("\n \n\t\r\n", 6, &err), 0);
    CHECK_INT(count_values("1", 1, &err), 1);
    CHECK_INT(count_values("1\n", 2, &err), 1);
    CHECK_INT(count_values("1\n2\n\n", 5, &err), 2);
}

TEST(jsonl, skips_a_byte_order_mark_only_at_the_start) {
    ft_error err;
    CHECK_INT(count_values("\xEF\xBB\xBF"
                           "1\n2",
                           6, &err),
              2);
    CHECK_INT(count_values("\xEF\xBB\xBF", 3, &err), 0);
    CHECK_INT(count_values("1\n\xEF\xBB\xBF"
                           "2",
                           6, &err),
              -1);
    CHECK_ERROR(err.code, FT_ERR_FORMAT, err, "rows.jsonl:2: expected a value, found U+FEFF");
}

TEST(jsonl, errors_name_the_line) {
    ft_error err;
    static const char torn[] = "{}\n\n{\"a\": 1}\n{\"a\": \n2}\n";
    CHECK_INT(count_values(torn, sizeof torn - 1, &err), -1);
    CHECK_ERROR(err.code, FT_ERR_FORMAT, err,
                "rows.jsonl:4: expected a value, found the end of the text at column 7");
    CHECK_INT(count_values("1 2\n", 4, &err), -1);
    CHECK_ERROR(err.code, FT_ERR_FORMAT, err, "rows.jsonl:1: expected nothing more");

    char text[64];
    int n = snprintf(text, sizeof text, "%s",
                     "1\r\n2\r\n3\r\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\nx");
    CHECK_INT(count_values(text, (size_t)n, &err), -1);
    CHECK_TEXT(err.where, "rows.jsonl:17");
}

/* A caller may look at a bad line and go on. */
TEST(jsonl, goes_on_after_an_error) {
    ft__jsonl reader;
    ft__arena arena;
    ft__json *value;
    ft_error err;
    ft__arena_init(&arena, NULL);
    ft__jsonl_init(&reader, "oops\n7", 6, "r");
    CHECK_INT(ft__jsonl_next(&reader, &arena, &value, &err), FT_ERR_FORMAT);
    CHECK(value == NULL);
    CHECK_INT(ft__jsonl_next(&reader, &arena, &value, &err), FT_OK);
    CHECK(value && value->number == 7);
    ft__arena_free(&arena);
}

TEST(jsonl, survives_failing_memory) {
    static const char text[] = "{\"a\": [1, 2, \"three\"]}\n[4]\n";
    for (long fail_at = 1;; fail_at++) {
        test_memory memory = {0, 0, fail_at};
        ft_allocator a = test_allocator(&memory);
        ft__jsonl reader;
        ft__arena arena;
        ft__json *value;
        ft_error err;
        ft_status status;
        ft__arena_init(&arena, &a);
        ft__jsonl_init(&reader, text, sizeof text - 1, "r");
        do status = ft__jsonl_next(&reader, &arena, &value, &err);
        while (status == FT_OK && value);
        ft__arena_free(&arena);
        CHECK_INT(memory.live, 0);
        if (status == FT_OK) break;
        CHECK_INT(status, FT_ERR_MEMORY);
        if (!CHECK(fail_at < 100)) break;
    }
}
