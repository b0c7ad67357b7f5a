#include "test.h"
#include "tiny.h"

#include <unistd.h>

/* ---- files made by hand, byte by byte */

typedef struct bytes {
    uint8_t data[4096];
    size_t n;
} bytes;

static void put(bytes *b, const void *data, size_t n) {
    if (b->n + n > sizeof b->data) abort();
    memcpy(b->data + b->n, data, n);
    b->n += n;
}
static void put_u8(bytes *b, uint8_t v) { put(b, &v, sizeof v); }
static void put_u32(bytes *b, uint32_t v) { put(b, &v, sizeof v); }
static void put_u64(bytes *b, uint64_t v) { put(b, &v, sizeof v); }
static void put_text(bytes *b, const char *text) {
    put_u64(b, strlen(text));
    put(b, text, strlen(text));
}
static void put_key(bytes *b, const char *key, uint32_t type) {
    put_text(b, key);
    put_u32(b, type);
}
static void put_head(bytes *b, uint32_t version, uint64_t n_tensors, uint64_t n_kv) {
    b->n = 0;
    put(b, "GGUF", 4);
    put_u32(b, version);
    put_u64(b, n_tensors);
    put_u64(b, n_kv);
}
static void put_info(bytes *b, const char *name, uint64_t ne0, uint64_t ne1, uint32_t type,
                     uint64_t offset) {
    put_text(b, name);
    put_u32(b, ne1 ? 2 : 1);
    put_u64(b, ne0);
    if (ne1) put_u64(b, ne1);
    put_u32(b, type);
    put_u64(b, offset);
}
static void put_padding(bytes *b, size_t alignment) {
    while (b->n % alignment) put_u8(b, 0);
}

/* Opens the bytes as a file; the caller closes after FT_OK. */
static ft_status open_bytes(ft__gguf *g, const void *data, size_t n, const ft_allocator *a,
                            ft_error *err) {
    const char *path = test_path("bytes.gguf");
    test_write(path, data, n);
    return ft__gguf_open(g, path, a, err);
}

static void check_refused(const bytes *b, ft_status expected, const char *needle) {
    ft__gguf g;
    ft_error err = {FT_OK, "", ""};
    test_memory memory = {0, 0, 0};
    ft_allocator a = test_allocator(&memory);
    ft_status status = open_bytes(&g, b->data, b->n, &a, &err);
    CHECK_ERROR(status, expected, err, needle);
    CHECK(strstr(err.where, "bytes.gguf") != NULL);
    if (!status) ft__gguf_close(&g);
    CHECK_INT(memory.live, 0);
}

/* ---- writing and reading back */

/* A file with each kind of key that the writer has and three tensors. */
static ft_status write_sample(const char *path, const ft_allocator *a, ft_error *err) {
    static const char *const words[] = {"one", "", "\xe2\x96\x81three"};
    static const float floats[] = {1.5f, -0.0f, 1e-40f};
    static const int32_t ints[] = {-1, 0, 2147483647};
    static const uint64_t ne_a[] = {4, 3}, ne_b[] = {32, 2, 2}, ne_c[] = {16};
    ft__gguf_writer w;
    uint8_t data[136];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i + 1);
    ft_status status = ft__gguf_write_begin(&w, path, a, err);
    if (status) return status;
    ft__gguf_write_string(&w, "general.architecture", "test");
    ft__gguf_write_u32(&w, "a.u32", 4000000000u);
    ft__gguf_write_f32(&w, "a.f32", 0.1f);
    ft__gguf_write_bool(&w, "a.yes", true);
    ft__gguf_write_bool(&w, "a.no", false);
    ft__gguf_write_strings(&w, "a.words", words, 3);
    ft__gguf_write_strings(&w, "a.nothing", words, 0);
    ft__gguf_write_f32s(&w, "a.floats", floats, 3);
    ft__gguf_write_i32s(&w, "a.ints", ints, 3);
    status = ft__gguf_write_tensor(&w, "a.weight", 2, ne_a, FT__FORMAT_F32, err);
    if (!status) status = ft__gguf_write_tensor(&w, "b.weight", 3, ne_b, FT__FORMAT_Q8_0, err);
    if (!status) status = ft__gguf_write_tensor(&w, "c.weight", 1, ne_c, FT__FORMAT_F16, err);
    if (!status) status = ft__gguf_write_data(&w, data, 48, err);
    if (!status) status = ft__gguf_write_data(&w, data, 136, err);
    if (!status) status = ft__gguf_write_data(&w, data, 32, err);
    if (!status) return ft__gguf_write_end(&w, err);
    ft__gguf_write_abort(&w);
    return status;
}

static void check_sample(ft__gguf *g) {
    ft_error err;
    int64_t n = 7;
    double x = 7;
    bool yes = false, no = true;
    ft__gguf_str text = {NULL, 0}, *words = NULL;
    CHECK_INT(g->n_kv, 9);
    CHECK_INT(g->n_tensors, 3);
    CHECK_INT(g->alignment, 32);
    CHECK_OK(ft__gguf_int(g, "a.u32", 0, INT64_MAX, &n, &err), err);
    CHECK_INT(n, 4000000000ll);
    CHECK_OK(ft__gguf_float(g, "a.f32", &x, &err), err);
    CHECK(x == (double)0.1f);
    CHECK_OK(ft__gguf_float(g, "a.u32", &x, &err), err);
    CHECK(x == 4e9);
    CHECK_OK(ft__gguf_bool(g, "a.yes", &yes, &err), err);
    CHECK_OK(ft__gguf_bool(g, "a.no", &no, &err), err);
    CHECK(yes && !no);
    CHECK_OK(ft__gguf_string(g, "general.architecture", &text, &err), err);
    CHECK(ft__text_equal(text.data, text.len, "test", 4));
    CHECK_OK(ft__gguf_strings(g, ft__gguf_key(g, "a.words"), &words, &err), err);
    CHECK(words && words[0].len == 3 && words[1].len == 0 && words[2].len == 8 &&
          memcmp(words[2].data, "\xe2\x96\x81three", 8) == 0);
    CHECK_OK(ft__gguf_strings(g, ft__gguf_key(g, "a.nothing"), &words, &err), err);
    CHECK_INT(ft__gguf_key(g, "a.nothing")->count, 0);
    const ft__gguf_kv *floats = ft__gguf_key(g, "a.floats"), *ints = ft__gguf_key(g, "a.ints");
    CHECK(floats->count == 3 && ft__gguf_number_at(floats, 0) == 1.5 &&
          ft__gguf_number_at(floats, 2) == (double)1e-40f && ft__gguf_number_at(floats, 3) == 0);
    CHECK(ft__gguf_int_at(ints, 0) == -1 && ft__gguf_int_at(ints, 2) == 2147483647);
    const ft__gguf_tensor *b = ft__gguf_find(g, "b.weight"), *c = ft__gguf_find(g, "c.weight");
    CHECK(!ft__gguf_find(g, "d.weight") && !ft__gguf_key(g, "a.absent"));
    if (!CHECK(b != NULL && c != NULL)) return;
    CHECK(b->n_dims == 3 && b->ne[0] == 32 && b->ne[1] == 2 && b->ne[2] == 2 && b->ne[3] == 1);
    CHECK(b->type == FT__FORMAT_Q8_0 && b->size == 136 && b->offset % 32 == 0);
    CHECK(b->data == g->file.data + b->offset && b->data[0] == 1 && b->data[135] == 136);
    CHECK(c->n_dims == 1 && c->size == 32 && c->offset == b->offset + 160 && c->data[31] == 32);
}

TEST(gguf, reads_what_it_wrote) {
    const char *path = test_path("sample.gguf"), *second = test_path("second.gguf");
    ft__gguf g, copy;
    ft__gguf_writer w;
    ft_error err;
    if (!CHECK_OK(write_sample(path, NULL, &err), err)) return;
    if (!CHECK_OK(ft__gguf_open(&g, path, NULL, &err), err)) return;
    CHECK_INT(g.version, 3);
    check_sample(&g);
    /* a copy by way of write_kv has the same bytes */
    CHECK_OK(ft__gguf_write_begin(&w, second, NULL, &err), err);
    for (size_t i = 0; i < g.n_kv; i++) ft__gguf_write_kv(&w, &g.kv[i]);
    for (size_t i = 0; i < g.n_tensors; i++)
        CHECK_OK(ft__gguf_write_tensor(&w, g.tensors[i].name, g.tensors[i].n_dims, g.tensors[i].ne,
                                       g.tensors[i].type, &err), err);
    for (size_t i = 0; i < g.n_tensors; i++)
        CHECK_OK(ft__gguf_write_data(&w, g.tensors[i].data, (size_t)g.tensors[i].size, &err), err);
    CHECK_OK(ft__gguf_write_end(&w, &err), err);
    if (CHECK_OK(ft__gguf_open(&copy, second, NULL, &err), err)) {
        CHECK(copy.file.size == g.file.size &&
              memcmp(copy.file.data, g.file.data, g.file.size) == 0);
        ft__gguf_close(&copy);
    }
    ft__gguf_close(&g);
}

TEST(gguf, reads_version_2) {
    const char *path = test_path("sample.gguf");
    ft__gguf g;
    ft_error err;
    size_t n;
    if (!CHECK_OK(write_sample(path, NULL, &err), err)) return;
    char *data = test_read(path, &n);
    data[4] = 2;
    if (CHECK_OK(open_bytes(&g, data, n, NULL, &err), err)) {
        CHECK_INT(g.version, 2);
        check_sample(&g);
        ft__gguf_close(&g);
    }
    free(data);
}

/* The types that the writer does not make, as single values and as arrays. */
TEST(gguf, reads_every_type) {
    static const uint64_t pattern = 0x4002FFFEFDFCFB85u; /* small types take its low end */
    static const struct { uint32_t type, size; int64_t integer; } rows[] = {
        {FT__GGUF_U8, 1, 0x85}, {FT__GGUF_I8, 1, -123}, {FT__GGUF_U16, 2, 0xFB85},
        {FT__GGUF_I16, 2, -1147}, {FT__GGUF_U32, 4, 0xFDFCFB85ll}, {FT__GGUF_I32, 4, -33752187},
        {FT__GGUF_F32, 4, INT64_MIN}, {FT__GGUF_BOOL, 1, 1},
        {FT__GGUF_U64, 8, 0x4002FFFEFDFCFB85ll},
        {FT__GGUF_I64, 8, 0x4002FFFEFDFCFB85ll}, {FT__GGUF_F64, 8, 2},
    };
    bytes b;
    ft__gguf g;
    ft_error err;
    char name[32];
    put_head(&b, 3, 0, 2 * FT__COUNT(rows));
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        snprintf(name, sizeof name, "one.%zu", i);
        put_key(&b, name, rows[i].type);
        put(&b, &pattern, rows[i].size);
        snprintf(name, sizeof name, "two.%zu", i);
        put_key(&b, name, FT__GGUF_ARRAY);
        put_u32(&b, rows[i].type);
        put_u64(&b, 2);
        put(&b, "\0\0\0\0\0\0\0\0", rows[i].size);
        put(&b, &pattern, rows[i].size);
    }
    if (!CHECK_OK(open_bytes(&g, b.data, b.n, NULL, &err), err)) return;
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        snprintf(name, sizeof name, "one.%zu", i);
        const ft__gguf_kv *one = ft__gguf_key(&g, name);
        snprintf(name, sizeof name, "two.%zu", i);
        const ft__gguf_kv *two = ft__gguf_key(&g, name);
        if (!CHECK(one && two)) continue;
        CHECK(two->type == FT__GGUF_ARRAY && two->element == (ft__gguf_type)rows[i].type);
        CHECK_INT(ft__gguf_int_at(one, 0), rows[i].integer);
        CHECK_INT(ft__gguf_int_at(two, 0), 0);
        CHECK_INT(ft__gguf_int_at(two, 1), rows[i].integer);
        CHECK_INT(ft__gguf_int_at(two, 2), 0);
        bool is_float = rows[i].type == FT__GGUF_F32 || rows[i].type == FT__GGUF_F64;
        double number = is_float ? ft__gguf_number_at(one, 0) : (double)rows[i].integer;
        CHECK(ft__gguf_number_at(two, 1) == number);
    }
    CHECK(ft__gguf_number_at(ft__gguf_key(&g, "one.10"), 0) > 2.37);
    ft__gguf_close(&g);
}

TEST(gguf, big_integers_and_floats_saturate) {
    static const double doubles[] = {1e300, -1e300, -2.9};
    uint64_t nan = 0x7FF8000000000000u;
    bytes b;
    ft__gguf g;
    ft_error err;
    double value = 5;
    put_head(&b, 3, 0, 3);
    put_key(&b, "u", FT__GGUF_U64), put_u64(&b, UINT64_MAX);
    put_key(&b, "d", FT__GGUF_ARRAY), put_u32(&b, FT__GGUF_F64), put_u64(&b, 4);
    put(&b, doubles, sizeof doubles), put_u64(&b, nan);
    put_key(&b, "n", FT__GGUF_F64), put_u64(&b, nan);
    if (!CHECK_OK(open_bytes(&g, b.data, b.n, NULL, &err), err)) return;
    CHECK_INT(ft__gguf_int_at(ft__gguf_key(&g, "u"), 0), INT64_MAX);
    CHECK_INT(ft__gguf_int_at(ft__gguf_key(&g, "d"), 0), INT64_MAX);
    CHECK_INT(ft__gguf_int_at(ft__gguf_key(&g, "d"), 1), INT64_MIN);
    CHECK_INT(ft__gguf_int_at(ft__gguf_key(&g, "d"), 2), -2);
    CHECK_INT(ft__gguf_int_at(ft__gguf_key(&g, "d"), 3), 0);
    CHECK_ERROR(ft__gguf_float(&g, "n", &value, &err), FT_ERR_FORMAT, err,
                "bytes.gguf: n: must be a finite number");
    CHECK(value == 5);
    ft__gguf_close(&g);
}

TEST(gguf, values_of_another_type_name_the_key) {
    const char *path = test_path("sample.gguf");
    ft__gguf g;
    ft_error err;
    int64_t n = 5;
    double x = 5;
    bool yes = true;
    ft__gguf_str text = {"kept", 4}, *words = NULL;
    if (!CHECK_OK(write_sample(path, NULL, &err), err)) return;
    if (!CHECK_OK(ft__gguf_open(&g, path, NULL, &err), err)) return;
    CHECK_ERROR(ft__gguf_int(&g, "a.f32", 0, 9, &n, &err), FT_ERR_FORMAT, err,
                "sample.gguf: a.f32: must be an integer, found f32");
    CHECK_ERROR(ft__gguf_int(&g, "a.ints", 0, 9, &n, &err), FT_ERR_FORMAT, err, "an array of i32");
    CHECK_ERROR(ft__gguf_int(&g, "a.u32", 0, 9, &n, &err), FT_ERR_FORMAT, err,
                "must be 0 to 9, found 4000000000");
    CHECK_ERROR(ft__gguf_float(&g, "a.yes", &x, &err), FT_ERR_FORMAT, err, "a number, found bool");
    CHECK_ERROR(ft__gguf_bool(&g, "a.u32", &yes, &err), FT_ERR_FORMAT, err, "a bool, found u32");
    CHECK_ERROR(ft__gguf_string(&g, "a.words", &text, &err), FT_ERR_FORMAT, err, "array of string");
    CHECK_ERROR(ft__gguf_strings(&g, ft__gguf_key(&g, "a.ints"), &words, &err), FT_ERR_FORMAT, err,
                "an array of strings, found an array of i32");
    CHECK_OK(ft__gguf_int(&g, "absent", 0, 9, &n, &err), err);
    CHECK_OK(ft__gguf_float(&g, "absent", &x, &err), err);
    CHECK_OK(ft__gguf_bool(&g, "absent", &yes, &err), err);
    CHECK_OK(ft__gguf_string(&g, "absent", &text, &err), err);
    CHECK(n == 5 && x == 5 && yes && text.len == 4 && !words);
    ft__gguf_close(&g);
}

/* ---- what must be refused */

TEST(gguf, refuses_other_files) {
    ft__gguf g;
    ft_error err;
    bytes b = {{0}, 0};
    CHECK_ERROR(ft__gguf_open(&g, test_path("absent.gguf"), NULL, &err), FT_ERR_NOT_FOUND, err,
                "absent.gguf");
    check_refused(&b, FT_ERR_FORMAT, "not a GGUF file");
    put(&b, "GGML\3\0\0\0", 8);
    check_refused(&b, FT_ERR_FORMAT, "not a GGUF file");
    put_head(&b, 1, 0, 0);
    check_refused(&b, FT_ERR_UNSUPPORTED, "version 1, expected GGUF version 2 or 3");
    put_head(&b, 4, 0, 0);
    check_refused(&b, FT_ERR_UNSUPPORTED, "version 4, expected");
    put_head(&b, 0x03000000u, 0, 0);
    check_refused(&b, FT_ERR_UNSUPPORTED, "big-endian file of version 3");
}

TEST(gguf, refuses_bad_keys) {
    bytes b;
    put_head(&b, 3, 0, 1);
    put_key(&b, "", FT__GGUF_U8), put_u8(&b, 0);
    check_refused(&b, FT_ERR_FORMAT, "a key is empty");
    put_head(&b, 3, 0, 1);
    put_u64(&b, 3), put(&b, "a\0b", 3), put_u32(&b, FT__GGUF_U8), put_u8(&b, 0);
    check_refused(&b, FT_ERR_FORMAT, "control byte 0");
    put_head(&b, 3, 0, 2);
    put_key(&b, "twice", FT__GGUF_U8), put_u8(&b, 0);
    put_key(&b, "twice", FT__GGUF_U8), put_u8(&b, 1);
    check_refused(&b, FT_ERR_FORMAT, "bytes.gguf: twice: the key appears twice");
    put_head(&b, 3, 0, 1);
    put_key(&b, "odd", 13), put_u32(&b, 0);
    check_refused(&b, FT_ERR_FORMAT, "odd: value type 13, expected 0 to 12");
    put_head(&b, 3, 0, 1);
    put_key(&b, "deep", FT__GGUF_ARRAY), put_u32(&b, FT__GGUF_ARRAY), put_u64(&b, 1);
    put_u64(&b, 0);
    check_refused(&b, FT_ERR_UNSUPPORTED, "deep: an array of arrays");
    put_head(&b, 3, 0, 1);
    put_key(&b, "long", FT__GGUF_ARRAY), put_u32(&b, FT__GGUF_F64), put_u64(&b, UINT64_MAX / 8 + 2);
    check_refused(&b, FT_ERR_FORMAT, "values of type f64, but 0 bytes are left");
    put_head(&b, 3, 0, 1);
    put_key(&b, "text", FT__GGUF_STRING), put_u64(&b, UINT64_MAX - 3), put_u32(&b, 0);
    check_refused(&b, FT_ERR_FORMAT, "text: the file ends inside string 0 of 1");
}

TEST(gguf, refuses_bad_counts_and_settings) {
    bytes b;
    put_head(&b, 3, UINT64_MAX, 0);
    check_refused(&b, FT_ERR_FORMAT, "18446744073709551615 tensors in a file of 24 bytes");
    put_head(&b, 3, 0, 1u << 30);
    check_refused(&b, FT_ERR_FORMAT, "1073741824 keys in a file of 24 bytes");
    put_head(&b, 3, 0, 1);
    put_key(&b, "general.alignment", FT__GGUF_U32), put_u32(&b, 48);
    check_refused(&b, FT_ERR_FORMAT, "general.alignment: must be a power of two, found 48");
    put_head(&b, 3, 0, 1);
    put_key(&b, "general.alignment", FT__GGUF_U32), put_u32(&b, 0);
    check_refused(&b, FT_ERR_FORMAT, "general.alignment: must be 1 to 65536, found 0");
}

/* One tensor at an offset, and n_data bytes behind the padded head. */
static void put_one_tensor(bytes *b, uint64_t ne0, uint64_t ne1, uint32_t type, uint64_t offset,
                           size_t n_data) {
    put_head(b, 3, 1, 0);
    put_info(b, "w", ne0, ne1, type, offset);
    put_padding(b, 32);
    while (n_data--) put_u8(b, 1);
}

TEST(gguf, refuses_bad_tensors) {
    bytes b;
    put_one_tensor(&b, 8, 0, 99, 0, 32);
    check_refused(&b, FT_ERR_UNSUPPORTED, "bytes.gguf: w: unknown tensor type 99");
    put_one_tensor(&b, 0, 4, 0, 0, 32);
    check_refused(&b, FT_ERR_FORMAT, "w: dimension 1 of 2 is 0: no elements");
    put_one_tensor(&b, 1ull << 62, 4, 0, 0, 32);
    check_refused(&b, FT_ERR_FORMAT, "too many elements");
    put_one_tensor(&b, 1ull << 62, 1, 0, 0, 32);
    check_refused(&b, FT_ERR_FORMAT, "too many bytes");
    put_one_tensor(&b, 31, 2, FT__FORMAT_Q8_0, 0, 68);
    check_refused(&b, FT_ERR_FORMAT, "rows of 31 elements, expected a multiple of 32");
    put_one_tensor(&b, 8, 0, 0, 0, 31);
    check_refused(&b, FT_ERR_FORMAT, "w: 32 bytes at offset 0 reach past the end");
    put_one_tensor(&b, 8, 0, 0, 32, 32);
    check_refused(&b, FT_ERR_FORMAT, "32 bytes at offset 32 reach past the end");
    put_one_tensor(&b, 8, 0, 0, UINT64_MAX - 31, 32);
    check_refused(&b, FT_ERR_FORMAT, "reach past the end");
    put_one_tensor(&b, 8, 0, 0, 8, 64);
    check_refused(&b, FT_ERR_FORMAT, "offset 8, expected a multiple of 32");
    put_head(&b, 3, 1, 0);
    put_text(&b, "w"), put_u32(&b, 5), put_u64(&b, 1), put_u64(&b, 1), put_u64(&b, 1);
    put_u64(&b, 1), put_u64(&b, 1), put_u32(&b, 0), put_u64(&b, 0);
    check_refused(&b, FT_ERR_FORMAT, "5 dimensions, expected 1 to 4");
    put_head(&b, 3, 2, 0);
    put_info(&b, "same", 8, 0, 0, 0), put_info(&b, "same", 8, 0, 0, 0);
    put_padding(&b, 32);
    for (int i = 0; i < 32; i++) put_u8(&b, 0);
    check_refused(&b, FT_ERR_FORMAT, "same: the tensor appears twice");
    char name[257];
    memset(name, 'x', 256), name[256] = 0;
    put_head(&b, 3, 1, 0);
    put_info(&b, name, 8, 0, 0, 0);
    check_refused(&b, FT_ERR_LIMIT, "a tensor's name has 256 bytes, at most 255");
}

TEST(gguf, reads_odd_but_valid_files) {
    bytes b;
    ft__gguf g;
    ft_error err;
    put_head(&b, 3, 0, 0); /* nothing at all */
    if (CHECK_OK(open_bytes(&g, b.data, b.n, NULL, &err), err)) {
        CHECK(!ft__gguf_find(&g, "w") && !ft__gguf_key(&g, "k"));
        ft__gguf_close(&g);
    }
    put_head(&b, 3, 2, 1); /* shared bytes, alignment 8, the last tensor's padding absent */
    put_key(&b, "general.alignment", FT__GGUF_U32), put_u32(&b, 8);
    put_info(&b, "x", 4, 0, 0, 0), put_info(&b, "y", 3, 0, 0, 0);
    put_padding(&b, 8);
    for (uint8_t i = 0; i < 16; i++) put_u8(&b, i);
    if (CHECK_OK(open_bytes(&g, b.data, b.n, NULL, &err), err)) {
        CHECK(ft__gguf_find(&g, "x")->data == ft__gguf_find(&g, "y")->data);
        CHECK(ft__gguf_find(&g, "x")->data[15] == 15);
        ft__gguf_close(&g);
    }
}

TEST(gguf, refuses_every_truncation) {
    const char *path = test_path("sample.gguf");
    ft_error err;
    size_t n, accepted = 0, wrong_code = 0;
    test_memory memory = {0, 0, 0};
    ft_allocator a = test_allocator(&memory);
    if (!CHECK_OK(write_sample(path, NULL, &err), err)) return;
    char *data = test_read(path, &n);
    for (size_t cut = 0; cut < n; cut++) {
        ft__gguf g;
        ft_status status = open_bytes(&g, data, cut, &a, &err);
        if (status == FT_OK) accepted++, ft__gguf_close(&g);
        else if (status != FT_ERR_FORMAT || err.code != status || !err.message[0]) wrong_code++;
    }
    CHECK_INT(accepted, 0);
    CHECK_INT(wrong_code, 0);
    CHECK_INT(memory.live, 0);
    free(data);
}

/* Touches all that an opened file offers; ASan watches. */
static unsigned touch(ft__gguf *g) {
    unsigned sum = 0;
    for (size_t i = 0; i < g->n_kv; i++) {
        const ft__gguf_kv *kv = &g->kv[i];
        ft__gguf_str *strings;
        if (ft__gguf_strings(g, kv, &strings, NULL) == FT_OK)
            for (uint64_t k = 0; k < kv->count; k++)
                for (size_t c = 0; c < strings[k].len; c++) sum += (uint8_t)strings[k].data[c];
        for (uint64_t k = 0; k < kv->count; k++) sum += ft__gguf_number_at(kv, k) > 1;
        for (uint64_t k = 0; k < kv->count; k++) sum += (unsigned)ft__gguf_int_at(kv, k);
    }
    for (size_t i = 0; i < g->n_tensors; i++) {
        const ft__gguf_tensor *t = &g->tensors[i];
        for (uint64_t k = 0; k < t->size; k++) sum += t->data[k];
        sum += ft__gguf_find(g, t->name) == t;
    }
    return sum;
}

/* Bit flips, and absurd values over whole fields. */
TEST(gguf, survives_damage) {
    static const uint64_t absurd[] = {0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFFu, 1ull << 40,
                                      INT64_MAX, UINT64_MAX, UINT64_MAX - 31, UINT64_MAX / 4 + 1};
    const char *path = test_path("sample.gguf");
    uint32_t key[2] = {2026, 0}, counter[4] = {0, 0, 0, 0}, r[4];
    ft_error err;
    size_t n, opened = 0;
    unsigned sum = 0;
    test_memory memory = {0, 0, 0};
    ft_allocator a = test_allocator(&memory);
    if (!CHECK_OK(write_sample(path, NULL, &err), err)) return;
    char *whole = test_read(path, &n), *data = (char *)malloc(n);
    for (counter[0] = 0; counter[0] < 4000; counter[0]++) {
        ft__gguf g;
        size_t head = n - 256; /* almost all of the damage goes where it can matter */
        memcpy(data, whole, n);
        ft__philox(counter, key, r);
        if (r[0] & 1) data[r[1] % head] = (char)(data[r[1] % head] ^ (1 << r[2] % 8));
        else memcpy(data + r[1] % head, &absurd[r[2] % FT__COUNT(absurd)], r[0] & 2 ? 8 : 4);
        if (r[0] & 4) data[r[3] % n] = (char)(r[3] >> 24);
        if (open_bytes(&g, data, n, &a, &err)) continue;
        opened++;
        sum += touch(&g);
        ft__gguf_close(&g);
    }
    test_note("%zu of 4000 damaged files could still be opened (%u)", opened, sum & 7);
    CHECK(opened > 100 && opened < 3900);
    CHECK_INT(memory.live, 0);
    free(whole);
    free(data);
}

/* ---- memory */

TEST(gguf, opening_survives_no_memory) {
    const char *path = test_path("sample.gguf");
    ft_error err;
    long fail_at = 1;
    if (!CHECK_OK(write_sample(path, NULL, &err), err)) return;
    for (; fail_at < 100; fail_at++) {
        test_memory memory = {0, 0, fail_at};
        ft_allocator a = test_allocator(&memory);
        ft__gguf g;
        ft_status status = ft__gguf_open(&g, path, &a, &err);
        if (!status) ft__gguf_close(&g);
        CHECK_INT(memory.live, 0);
        if (!status) break;
        if (!CHECK_ERROR(status, FT_ERR_MEMORY, err, NULL)) break;
    }
    CHECK(fail_at > 1 && fail_at < 100);
}

TEST(gguf, writing_survives_no_memory) {
    const char *path = test_path("swept.gguf");
    ft_error err;
    long fail_at = 1;
    for (; fail_at < 100; fail_at++) {
        test_memory memory = {0, 0, fail_at};
        ft_allocator a = test_allocator(&memory);
        ft_status status = write_sample(path, &a, &err);
        CHECK_INT(memory.live, 0);
        CHECK((access(path, F_OK) == 0) == (status == FT_OK));
        if (!status) break;
        if (!CHECK_ERROR(status, FT_ERR_MEMORY, err, NULL)) break;
    }
    CHECK(fail_at > 3 && fail_at < 100);
}

/* ---- the writer's own errors */

static bool left_behind(const char *path) {
    char temporary[600];
    snprintf(temporary, sizeof temporary, "%s.partial", path);
    return access(path, F_OK) == 0 || access(temporary, F_OK) == 0;
}

TEST(gguf, writer_refuses_what_does_not_match) {
    static const uint64_t ne[] = {32, 2}, odd[] = {33, 2};
    const char *path = test_path("unmatched.gguf");
    char name[257];
    float data[64] = {0};
    ft__gguf_writer w;
    ft_error err;
    memset(name, 'x', 256), name[256] = 0;
    CHECK_OK(ft__gguf_write_begin(&w, path, NULL, &err), err);
    CHECK_ERROR(ft__gguf_write_tensor(&w, "t", 2, odd, FT__FORMAT_Q4_0, &err), FT_ERR_FORMAT, err,
                "unmatched.gguf: t: rows of 33 elements");
    CHECK_ERROR(ft__gguf_write_tensor(&w, "t", 2, ne, 99, &err), FT_ERR_UNSUPPORTED, err,
                "type 99");
    CHECK_ERROR(ft__gguf_write_tensor(&w, "t", 5, ne, 0, &err), FT_ERR_FORMAT, err, "5 dimensions");
    CHECK_ERROR(ft__gguf_write_tensor(&w, name, 2, ne, 0, &err), FT_ERR_ARGUMENT, err, "256 bytes");
    CHECK_OK(ft__gguf_write_tensor(&w, "t", 2, ne, FT__FORMAT_F32, &err), err);
    CHECK_ERROR(ft__gguf_write_data(&w, data, 255, &err), FT_ERR_ARGUMENT, err,
                "255 bytes for tensor 1, which was declared with 256");
    CHECK_OK(ft__gguf_write_data(&w, data, 256, &err), err);
    CHECK_ERROR(ft__gguf_write_tensor(&w, "late", 2, ne, 0, &err), FT_ERR_ARGUMENT, err, "late");
    CHECK_ERROR(ft__gguf_write_data(&w, data, 256, &err), FT_ERR_ARGUMENT, err, "1 are declared");
    ft__gguf_write_abort(&w);
    CHECK(!left_behind(path));
    ft__gguf_write_abort(&w); /* once more is harmless */
}

TEST(gguf, writer_leaves_nothing_unfinished) {
    static const uint64_t ne[] = {32};
    const char *path = test_path("unfinished.gguf");
    ft__gguf_writer w;
    ft_error err;
    test_memory memory = {0, 0, 0};
    ft_allocator a = test_allocator(&memory);
    CHECK_OK(ft__gguf_write_begin(&w, path, &a, &err), err);
    ft__gguf_write_u32(&w, "k", 1);
    CHECK_OK(ft__gguf_write_tensor(&w, "t", 1, ne, FT__FORMAT_F32, &err), err);
    CHECK_ERROR(ft__gguf_write_end(&w, &err), FT_ERR_ARGUMENT, err, "data for 0 of 1 declared");
    CHECK(!left_behind(path));
    CHECK_INT(memory.live, 0);
    CHECK_ERROR(ft__gguf_write_begin(&w, "/nowhere/at/all.gguf", &a, &err), FT_ERR_IO, err,
                "/nowhere/at/all.gguf: cannot create");
    ft__gguf_write_abort(&w);
    CHECK_INT(memory.live, 0);
}

/* ---- files of other programs, and the maker of tiny models */

TEST(gguf, reads_the_reference_files) {
    static const char *const names[] = {"logits/llama.gguf", "models/stories260K-q8_0.gguf",
                                        "tokenizers/ggml-vocab-llama-spm.gguf",
                                        "lora/llama/lora.gguf", "logits/gptossmx.gguf"};
    ft_error err;
    if (!test_shared(names[0])) SKIP("no ../shared");
    for (size_t i = 0; i < FT__COUNT(names); i++) {
        ft__gguf g;
        ft__gguf_str text = {NULL, 0}, *tokens = NULL;
        if (!CHECK_OK(ft__gguf_open(&g, test_shared(names[i]), NULL, &err), err)) continue;
        CHECK_OK(ft__gguf_string(&g, "general.architecture", &text, &err), err);
        CHECK(text.len >= 5);
        const ft__gguf_kv *kv = ft__gguf_key(&g, "tokenizer.ggml.tokens");
        if (i == 2 && CHECK(kv != NULL)) {
            CHECK_OK(ft__gguf_strings(&g, kv, &tokens, &err), err);
            CHECK(kv->count == 32000 && g.n_tensors == 0);
            CHECK(tokens && tokens[278].len == 6 &&
                  memcmp(tokens[278].data, "\xe2\x96\x81the", 6) == 0);
        } else if (i != 2) {
            CHECK(g.n_tensors > 10 && touch(&g));
        }
        ft__gguf_close(&g);
    }
}

static bool in_vocabulary(const char *text, size_t n) {
    for (int id = 3 + 256; id < tiny_vocab_size(); id++)
        if (ft__text_equal(text, n, tiny_token(id), strlen(tiny_token(id)))) return true;
    return false;
}

TEST(tiny, every_merge_can_be_reached) {
    int merges = 0;
    for (int id = 3 + 256; id < tiny_vocab_size(); id++) {
        char text[32];
        snprintf(text, sizeof text, "%s", tiny_token(id));
        size_t n = strlen(text);
        const char *p = text;
        ft__utf8_next(&p, text + n);
        if (p == text + n) continue; /* a single character */
        bool found = false;
        for (; p < text + n && !found; ft__utf8_next(&p, text + n))
            found = in_vocabulary(text, (size_t)(p - text)) &&
                    in_vocabulary(p, (size_t)(text + n - p));
        if (!CHECK(found)) test_note("%s", text);
        merges++;
        for (int other = 3 + 256; other < id; other++)
            if (!CHECK(strcmp(text, tiny_token(other)) != 0)) test_note("%s twice", text);
    }
    CHECK_INT(merges, 80);
    CHECK_TEXT(tiny_token(3 + 256 + 80), "\xe2\x96\x81");
    CHECK_TEXT(tiny_token(3 + 255), "<0xFF>");
}

/* Mean and std of a tensor's values. */
static void moments(const ft__gguf_tensor *t, double *mean, double *std) {
    size_t n = (size_t)(t->ne[0] * t->ne[1] * t->ne[2]);
    float *x = (float *)malloc(n * sizeof *x);
    double sum = 0, squares = 0;
    ft__format_find(t->type)->decode(t->data, n, x);
    for (size_t i = 0; i < n; i++) sum += (double)x[i], squares += (double)x[i] * (double)x[i];
    *mean = sum / (double)n;
    *std = ft__sqrt(squares / (double)n - *mean * *mean);
    free(x);
}

TEST(tiny, models_are_as_described) {
    static const uint32_t types[] = {FT__FORMAT_F32, FT__FORMAT_F16, FT__FORMAT_BF16,
                                     FT__FORMAT_Q8_0, FT__FORMAT_Q4_0};
    const char *path = test_path("tiny.gguf");
    ft_error err;
    for (size_t i = 0; i < FT__COUNT(types); i++) {
        tiny_model m;
        ft__gguf g;
        double mean, std;
        memset(&m, 0, sizeof m);
        m.type = types[i];
        tiny_write_model(path, &m);
        if (!CHECK_OK(ft__gguf_open(&g, path, NULL, &err), err)) continue;
        CHECK_INT(g.n_tensors, 3 + 2 * 9);
        CHECK_INT(ft__gguf_find(&g, "blk.1.ffn_down.weight")->type, types[i]);
        CHECK_INT(ft__gguf_find(&g, "blk.1.ffn_norm.weight")->type, FT__FORMAT_F32);
        CHECK_INT(ft__gguf_find(&g, "output.weight")->ne[1], tiny_vocab_size());
        moments(ft__gguf_find(&g, "output.weight"), &mean, &std);
        CHECK_NEAR(mean, 0, 0.01);
        CHECK_NEAR(std, 2.0 / 8, 0.01);
        moments(ft__gguf_find(&g, "output_norm.weight"), &mean, &std);
        CHECK_NEAR(mean, 1, 0.1);
        CHECK_NEAR(std, 0.2, 0.05);
        ft__gguf_close(&g);
    }
}

TEST(tiny, options_change_the_tensors) {
    const char *path = test_path("tiny.gguf");
    ft_error err;
    tiny_model m;
    ft__gguf g;
    memset(&m, 0, sizeof m);
    m.tied = m.rope_freqs = m.attn_bias = m.ffn_bias = true;
    m.head_dim = 32;
    tiny_write_model(path, &m);
    if (CHECK_OK(ft__gguf_open(&g, path, NULL, &err), err)) {
        CHECK(!ft__gguf_find(&g, "output.weight"));
        CHECK_INT(ft__gguf_find(&g, "rope_freqs.weight")->ne[0], 16);
        CHECK_INT(ft__gguf_find(&g, "blk.0.attn_q.weight")->ne[1], 128);
        CHECK_INT(ft__gguf_find(&g, "blk.0.attn_q.bias")->ne[0], 128);
        CHECK_INT(ft__gguf_find(&g, "blk.1.ffn_gate.bias")->ne[0], 128);
        CHECK_INT(ft__gguf_int_at(ft__gguf_key(&g, "llama.attention.key_length"), 0), 32);
        ft__gguf_close(&g);
    }
    memset(&m, 0, sizeof m);
    m.n_experts = 4;
    m.type = FT__FORMAT_Q8_0;
    tiny_write_model(path, &m);
    if (CHECK_OK(ft__gguf_open(&g, path, NULL, &err), err)) {
        CHECK(!ft__gguf_find(&g, "blk.0.ffn_gate.weight"));
        CHECK_INT(ft__gguf_find(&g, "blk.0.ffn_gate_inp.weight")->type, FT__FORMAT_F32);
        CHECK_INT(ft__gguf_find(&g, "blk.0.ffn_down_exps.weight")->ne[2], 4);
        CHECK_INT(ft__gguf_int_at(ft__gguf_key(&g, "llama.expert_used_count"), 0), 2);
        ft__gguf_close(&g);
    }
}

TEST(tiny, files_are_the_same_everywhere) {
    const char *path = test_path("tiny.gguf");
    tiny_adapter a;
    size_t n;
    char hex[65];
    tiny_write_model(path, NULL);
    char *data = test_read(path, &n);
    ft__sha256_hex(data, n, hex);
    CHECK_TEXT(hex, "bf10668c314065f3dd2e6b4cf7ae5ee26afb5a378d5789e53350a5ab3c5445b9");
    free(data);
    memset(&a, 0, sizeof a);
    a.alpha = 8;
    a.amplitude = 0.5f;
    tiny_write_adapter(path, NULL, &a);
    data = test_read(path, &n);
    ft__sha256_hex(data, n, hex);
    CHECK_TEXT(hex, "f6b78f485da76df0ab692cec3bb1d2cfb95d0bca89e025087d98a0eedbf0fa79");
    free(data);
}

TEST(tiny, adapters_are_as_described) {
    const char *path = test_path("adapter.gguf");
    ft_error err;
    tiny_adapter a;
    ft__gguf g;
    double mean, std;
    memset(&a, 0, sizeof a);
    a.modules = TINY_Q | TINY_DOWN;
    tiny_write_adapter(path, NULL, &a);
    if (CHECK_OK(ft__gguf_open(&g, path, NULL, &err), err)) {
        CHECK(g.n_tensors == 8 && !ft__gguf_key(&g, "adapter.lora.alpha"));
        CHECK_INT(ft__gguf_find(&g, "blk.0.attn_q.weight.lora_a")->ne[1], 4);
        CHECK_INT(ft__gguf_find(&g, "blk.1.ffn_down.weight.lora_b")->ne[1], 64);
        moments(ft__gguf_find(&g, "blk.0.attn_q.weight.lora_b"), &mean, &std);
        CHECK(mean == 0 && std == 0);
        ft__gguf_close(&g);
    }
    a.alpha = 16, a.amplitude = 1, a.wrong_shape = true, a.rank = 8;
    tiny_write_adapter(path, NULL, &a);
    if (CHECK_OK(ft__gguf_open(&g, path, NULL, &err), err)) {
        CHECK(ft__gguf_number_at(ft__gguf_key(&g, "adapter.lora.alpha"), 0) == 16);
        CHECK_INT(ft__gguf_find(&g, "blk.1.ffn_down.weight.lora_b")->ne[1], 96);
        moments(ft__gguf_find(&g, "blk.0.attn_q.weight.lora_b"), &mean, &std);
        CHECK_NEAR(std, 1 / 2.828, 0.05);
        ft__gguf_close(&g);
    }
}
