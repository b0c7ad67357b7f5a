#include "test.h"
#include "../src/io/io.h"

/* A file made by hand: the head's text with its true length before it, then n bytes 0, 1, 2 ... */
static const char *write_file(const char *head, size_t n) {
    const char *path = test_path("x.safetensors");
    static uint8_t bytes[8192];
    uint64_t length = strlen(head);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, head, (size_t)length);
    for (size_t i = 0; i < n; i++) bytes[8 + length + i] = (uint8_t)i;
    test_write(path, bytes, 8 + (size_t)length + n);
    return path;
}

static void check_refused(const char *head, size_t n, ft_status expected, const char *needle) {
    ft__safetensors s;
    ft_error err = {FT_OK, "", ""};
    test_memory memory = {0, 0, 0};
    ft_allocator a = test_allocator(&memory);
    ft_status status = ft__safetensors_open(&s, write_file(head, n), &a, &err);
    CHECK_ERROR(status, expected, err, needle);
    if (!status) ft__safetensors_close(&s);
    CHECK_INT(memory.live, 0);
}

static const char good[] =
    "{\"__metadata__\":{\"format\":\"pt\"},"
    "\"b\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
    "\"a\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[24,32]},"
    "\"empty\":{\"dtype\":\"I64\",\"shape\":[0,7],\"data_offsets\":[32,32]},"
    "\"one\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[32,34]}}  ";

TEST(safetensors, reads_what_is_there) {
    ft__safetensors s;
    ft_error err;
    if (!CHECK_OK(ft__safetensors_open(&s, write_file(good, 34), NULL, &err), err)) return;
    CHECK_INT(s.n_tensors, 4);
    const ft__st_tensor *a = ft__safetensors_find(&s, "a"), *b = ft__safetensors_find(&s, "b");
    const ft__st_tensor *one = ft__safetensors_find(&s, "one"), *empty = ft__safetensors_find(&s, "empty");
    CHECK(!ft__safetensors_find(&s, "c"));
    CHECK(!ft__safetensors_find(&s, "__metadata__"));
    CHECK_TEXT(ft__json_get(s.metadata, "format")->text, "pt");
    if (CHECK(a && b && one && empty)) {
        CHECK_TEXT(b->dtype->name, "F32");
        CHECK_INT(b->n_dims, 2);
        CHECK_INT(b->shape[0], 2);
        CHECK_INT(b->shape[1], 3);
        CHECK_INT(b->shape[2], 1);
        CHECK_INT(b->count, 6);
        CHECK_INT(b->data[1], 1);
        CHECK_INT(a->data[0], 24);
        CHECK_INT(a->size, 8);
        CHECK_INT(a->dtype->format, 30);
        CHECK_INT(one->n_dims, 0);
        CHECK_INT(one->count, 1);
        CHECK_INT(empty->count, 0);
    }
    ft__safetensors_close(&s);
}

TEST(safetensors, gives_floats) {
    static const char head[] = "{\"f\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                               "\"h\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[8,12]},"
                               "\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[12,16]},"
                               "\"d\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[16,24]},"
                               "\"i\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[24,25]}}";
    static const uint8_t data[25] = {0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0, 0, 0x3C, 0, 0xC0, 0x80, 0x3F, 0, 0xC0,
                                     0, 0, 0, 0, 0, 0, 0xE0, 0x3F, 9};
    uint8_t bytes[1024];
    uint64_t n = sizeof head - 1;
    ft__safetensors s;
    ft_error err;
    memcpy(bytes, &n, 8);
    memcpy(bytes + 8, head, (size_t)n);
    memcpy(bytes + 8 + n, data, sizeof data);
    test_write(test_path("f.safetensors"), bytes, 8 + (size_t)n + sizeof data);
    if (!CHECK_OK(ft__safetensors_open(&s, test_path("f.safetensors"), NULL, &err), err)) return;
    static const char *const names[] = {"f", "h", "b"};
    float out[2] = {0, 0};
    for (int i = 0; i < 3; i++) {
        CHECK(ft__safetensors_floats(ft__safetensors_find(&s, names[i]), 0, 2, out));
        CHECK_NEAR(out[0], 1, 0);
        CHECK_NEAR(out[1], -2, 0);
    }
    CHECK(ft__safetensors_floats(ft__safetensors_find(&s, "f"), 1, 1, out));
    CHECK_NEAR(out[0], -2, 0);
    CHECK(ft__safetensors_floats(ft__safetensors_find(&s, "d"), 0, 1, out));
    CHECK_NEAR(out[0], 0.5, 0);
    CHECK(!ft__safetensors_floats(ft__safetensors_find(&s, "i"), 0, 1, out));
    ft__safetensors_close(&s);
}

#define ONE(fields) "{\"t\":{" fields "}}"

TEST(safetensors, refuses_wrong_heads) {
    ft__safetensors s;
    ft_error err;
    uint64_t huge = UINT64_MAX - 3;
    uint8_t bytes[16] = {0};
    bytes[8] = '{';
    memcpy(bytes, &huge, 8);
    test_write(test_path("huge"), bytes, 16);
    CHECK_ERROR(ft__safetensors_open(&s, test_path("huge"), NULL, &err), FT_ERR_FORMAT, err,
                "18446744073709551612 bytes by its own account, the file 16");
    test_write(test_path("short"), bytes, 7);
    CHECK_ERROR(ft__safetensors_open(&s, test_path("short"), NULL, &err), FT_ERR_FORMAT, err, "not a safetensors");
    test_write(test_path("none"), bytes, 0);
    CHECK_ERROR(ft__safetensors_open(&s, test_path("none"), NULL, &err), FT_ERR_FORMAT, err, "not a safetensors");
    CHECK_ERROR(ft__safetensors_open(&s, test_path("absent"), NULL, &err), FT_ERR_NOT_FOUND, err, "cannot open");
    check_refused("{\"t\":", 0, FT_ERR_FORMAT, "x.safetensors: head");
    check_refused("[]", 0, FT_ERR_FORMAT, "not a safetensors file");
    check_refused("{\"t\":3}", 0, FT_ERR_FORMAT, "t: must be an object, found number");
    check_refused("{\"\":{}}", 0, FT_ERR_FORMAT, "1 to 1024 bytes");
}

TEST(safetensors, refuses_wrong_tensors) {
    check_refused(ONE("\"shape\":[1],\"data_offsets\":[0,4]"), 4, FT_ERR_FORMAT, "dtype must be a string");
    check_refused(ONE("\"dtype\":\"F4\",\"shape\":[1],\"data_offsets\":[0,4]"), 4, FT_ERR_UNSUPPORTED,
                  "unknown dtype \"F4\"");
    check_refused(ONE("\"dtype\":\"F32\",\"data_offsets\":[0,4]"), 4, FT_ERR_FORMAT, "shape must be an array");
    check_refused(ONE("\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]"), 4, FT_ERR_FORMAT, "shape[0]");
    check_refused(ONE("\"dtype\":\"F32\",\"shape\":[1,1.5],\"data_offsets\":[0,4]"), 4, FT_ERR_FORMAT,
                  "shape[1]");
    check_refused(ONE("\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,2],\"data_offsets\":[0,4]"), 4,
                  FT_ERR_FORMAT, "more elements than can be counted");
    check_refused(ONE("\"dtype\":\"F32\",\"shape\":[4294967296,1073741824],\"data_offsets\":[0,0]"), 0,
                  FT_ERR_FORMAT, "span 0 bytes"); /* times 4 it would be 0 */
    check_refused(ONE("\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]"), 4,
                  FT_ERR_LIMIT, "9 dimensions");
    check_refused(ONE("\"dtype\":\"F32\",\"shape\":[1]"), 4, FT_ERR_FORMAT, "data_offsets must be two");
    check_refused(ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]"), 4, FT_ERR_FORMAT,
                  "data_offsets must be two");
    check_refused(ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]"), 4, FT_ERR_FORMAT,
                  "data_offsets must be two");
    check_refused(ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,1e30]"), 4, FT_ERR_FORMAT,
                  "data_offsets must be two");
    check_refused(ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]"), 4, FT_ERR_FORMAT,
                  "t: data_offsets [4, 0]");
    check_refused(ONE("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]"), 4, FT_ERR_FORMAT,
                  "[0, 8]: expected an ascending pair within the 4 bytes");
    check_refused(ONE("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]"), 4, FT_ERR_FORMAT,
                  "span 4 bytes, but the shape has 2 elements of F32");
}

#define F32_AT(name, from, to, n)                                                                           \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":[" n "],\"data_offsets\":[" from "," to "]}"

TEST(safetensors, refuses_overlaps_holes_and_doubles) {
    check_refused("{" F32_AT("a", "0", "8", "2") "," F32_AT("b", "4", "12", "2") "}", 12, FT_ERR_FORMAT,
                  "b: data_offsets begin at 4 inside the tensor a, which ends at 8");
    check_refused("{" F32_AT("a", "0", "4", "1") "," F32_AT("b", "0", "4", "1") "}", 4, FT_ERR_FORMAT,
                  "inside the tensor");
    check_refused("{" F32_AT("a", "0", "4", "1") "," F32_AT("b", "8", "12", "1") "}", 12, FT_ERR_FORMAT,
                  "b: data_offsets begin at 8, but the tensors before end at 4");
    check_refused("{" F32_AT("a", "0", "4", "1") "}", 5, FT_ERR_FORMAT, "5 bytes of data, its tensors end at 4");
    check_refused("{" F32_AT("a", "0", "4", "1") "," F32_AT("a", "4", "8", "1") "}", 8, FT_ERR_FORMAT,
                  "a: the tensor appears twice");
}

TEST(safetensors, survives_every_cut_and_bad_byte) {
    uint8_t bytes[1024];
    ft__safetensors s;
    ft_error err;
    uint64_t n = sizeof good - 1;
    const size_t size = 8 + sizeof good - 1 + 34;
    memcpy(bytes, &n, 8);
    memcpy(bytes + 8, good, sizeof good - 1);
    memset(bytes + 8 + n, 0, 34);
    for (size_t cut = 0; cut < size; cut++) {
        test_write(test_path("cut"), bytes, cut);
        CHECK(ft__safetensors_open(&s, test_path("cut"), NULL, &err) != FT_OK);
    }
    for (size_t i = 0; i < 8 + n; i++) {
        uint8_t kept = bytes[i];
        for (int k = 1; k < 3; k++) {
            bytes[i] = (uint8_t)(k == 1 ? 57 : kept ^ 0x81);
            test_write(test_path("cut"), bytes, size);
            if (!ft__safetensors_open(&s, test_path("cut"), NULL, &err)) ft__safetensors_close(&s);
        }
        bytes[i] = kept;
    }
}

TEST(safetensors, fails_cleanly_without_memory) {
    const char *path = write_file(good, 34);
    ft_status status = FT_ERR_MEMORY;
    for (long fail_at = 1; status && fail_at < 50; fail_at++) {
        test_memory memory = {0, 0, fail_at};
        ft_allocator a = test_allocator(&memory);
        ft__safetensors s;
        ft_error err;
        status = ft__safetensors_open(&s, path, &a, &err);
        if (!status) ft__safetensors_close(&s);
        else CHECK_INT(status, FT_ERR_MEMORY);
        CHECK_INT(memory.live, 0);
    }
    CHECK_INT(status, FT_OK);
}

TEST(safetensors, reads_the_shared_adapters) {
    static const char *const names[] = {"lora/llama/lora-peft/adapter_model.safetensors",
                                        "lora/qwen3/vera-peft/adapter_model.safetensors"};
    if (!test_shared(names[0])) SKIP("no ../shared");
    for (size_t i = 0; i < FT__COUNT(names); i++) {
        ft__safetensors s;
        ft_error err;
        if (!CHECK_OK(ft__safetensors_open(&s, test_shared(names[i]), NULL, &err), err)) continue;
        CHECK_INT(s.n_tensors, 3 * 7 * 2 + (i ? 2 : 0));
        CHECK_TEXT(ft__json_get(s.metadata, "format")->text, "pt");
        ft__safetensors_close(&s);
    }
}
