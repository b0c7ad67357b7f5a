/* JSON: any bytes are parsed or refused; what is parsed is written and read back as the same value.
 */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    ft_error err;
    ft__arena arena;
    ft__buf out;
    ft__json *value, *again;
    ft__json_writer w;
    bool valid;
    ft__arena_init(&arena, NULL);
    ft__buf_init(&out, NULL);
    ft_status status = ft__json_parse(text, size, "fuzz", 1, &arena, &value, &err);
    fuzz_expect(ft__json_valid(text, size, NULL, &valid) == FT_OK && valid == (status == FT_OK),
                "the parser and the check agree");
    if (status == FT_OK) {
        ft__json_writer_init(&w, &out, (int)(size % 3));
        ft__json_value(&w, value);
        fuzz_expect(ft__json_parse(out.data, out.len, "again", 1, &arena, &again, &err) == FT_OK,
                    "what is written can be read");
        fuzz_expect(ft__json_equal(value, again), "what is read is what was written");
    }
    ft__buf_free(&out);
    ft__arena_free(&arena);
    return 0;
}
