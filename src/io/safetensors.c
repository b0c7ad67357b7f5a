/* Safetensors, the container of Hugging Face models and PEFT adapters: eight bytes that say how long the
   head is, the head (a JSON object: name -> dtype, shape, data_offsets), the data.  Little-endian.

   Reading trusts nothing: a shape must make the bytes that its offsets span, every tensor must lie inside
   the file, and the tensors together must cover the data section once, so that no two share bytes and
   nothing is hidden between them.  Data stays where it is in the mapped file, at whatever address. */
#include "io.h"

enum {
    FT__ST_MAX_HEAD = 100 * 1000 * 1000, /* bytes; what the format's own reader allows */
    FT__ST_MAX_TENSORS = 1 << 20,
    FT__ST_MAX_NAME = 1024
};

/* The format's element types; the last column is an id of the table in num/quant.c. */
static const ft__st_dtype ft__st_dtypes[] = {
    {"F32", 4, 0},      {"F16", 2, 1},      {"BF16", 2, 30},    {"F64", 8, 28},  {"I8", 1, 24},
    {"I16", 2, 25},     {"I32", 4, 26},     {"I64", 8, 27},     {"U8", 1, -1},   {"U16", 2, -1},
    {"U32", 4, -1},     {"U64", 8, -1},     {"BOOL", 1, -1},    {"C64", 8, -1},  {"F8_E4M3", 1, -1},
    {"F8_E5M2", 1, -1}, {"F8_E8M0", 1, -1}, {"F8_E4M3FNUZ", 1, -1}, {"F8_E5M2FNUZ", 1, -1},
};

typedef struct ft__st_reader {
    ft__safetensors *s;
    uint64_t n_data; /* bytes of the data section */
    ft_error *err;
    char where[384]; /* "path: tensor" */
} ft__st_reader;

static const ft__st_dtype *ft__st_dtype_of(const ft__json *text) {
    if (!text || text->type != FT__JSON_STRING) return NULL;
    for (size_t i = 0; i < FT__COUNT(ft__st_dtypes); i++)
        if (ft__text_equal(text->text, text->text_len, ft__st_dtypes[i].name,
                           strlen(ft__st_dtypes[i].name)))
            return &ft__st_dtypes[i];
    return NULL;
}

/* A whole number that a double holds exactly. */
static bool ft__st_integer(const ft__json *value, uint64_t *out) {
    if (!ft__json_is_integer(value, 0, 9007199254740992.0)) return false;
    *out = (uint64_t)value->number;
    return true;
}

static ft_status ft__st_read_shape(ft__st_reader *r, const ft__json *shape, ft__st_tensor *t) {
    if (!shape || shape->type != FT__JSON_ARRAY)
        return ft__fail(r->err, FT_ERR_FORMAT, r->where, "shape must be an array, found %s",
                        shape ? ft__json_type_name(shape->type) : "nothing");
    if (shape->count > FT__ST_MAX_DIMS)
        return ft__fail(r->err, FT_ERR_LIMIT, r->where, "shape has %zu dimensions, at most %d are allowed",
                        shape->count, FT__ST_MAX_DIMS);
    t->count = 1;
    for (int i = 0; i < FT__ST_MAX_DIMS; i++) t->shape[i] = 1;
    for (const ft__json *d = shape->child; d; d = d->next) {
        uint64_t *n = &t->shape[t->n_dims++];
        if (!ft__st_integer(d, n))
            return ft__fail(r->err, FT_ERR_FORMAT, r->where,
                            "shape[%d] must be a whole number from 0 on, found %.40s", t->n_dims - 1,
                            d->type == FT__JSON_NUMBER ? d->text : ft__json_type_name(d->type));
        if (!ft__mul_u64(t->count, *n, &t->count))
            return ft__fail(r->err, FT_ERR_FORMAT, r->where, "shape has more elements than can be counted");
    }
    return FT_OK;
}

static ft_status ft__st_read_offsets(ft__st_reader *r, const ft__json *offsets, ft__st_tensor *t) {
    uint64_t end, size;
    if (!offsets || offsets->type != FT__JSON_ARRAY || offsets->count != 2 ||
        !ft__st_integer(offsets->child, &t->begin) || !ft__st_integer(offsets->child->next, &end))
        return ft__fail(r->err, FT_ERR_FORMAT, r->where, "data_offsets must be two whole numbers from 0 on");
    if (t->begin > end || end > r->n_data)
        return ft__fail(r->err, FT_ERR_FORMAT, r->where,
                        "data_offsets [%llu, %llu]: expected an ascending pair within the %llu bytes of data",
                        (unsigned long long)t->begin, (unsigned long long)end,
                        (unsigned long long)r->n_data);
    t->size = end - t->begin;
    if (!ft__mul_u64(t->count, t->dtype->size, &size) || size != t->size)
        return ft__fail(r->err, FT_ERR_FORMAT, r->where,
                        "data_offsets [%llu, %llu] span %llu bytes, but the shape has %llu elements of %s",
                        (unsigned long long)t->begin, (unsigned long long)end, (unsigned long long)t->size,
                        (unsigned long long)t->count, t->dtype->name);
    return FT_OK;
}

static ft_status ft__st_read_tensor(ft__st_reader *r, const ft__json *info, ft__st_tensor *t) {
    const ft__json *dtype = ft__json_get(info, "dtype");
    snprintf(r->where, sizeof r->where, "%.200s: %.150s", r->s->path, info->key);
    if (info->key_len == 0 || info->key_len > FT__ST_MAX_NAME || strlen(info->key) != info->key_len)
        return ft__fail(r->err, FT_ERR_FORMAT, r->where,
                        "a tensor's name must have 1 to %d bytes, none of them 0", FT__ST_MAX_NAME);
    if (info->type != FT__JSON_OBJECT)
        return ft__fail(r->err, FT_ERR_FORMAT, r->where, "must be an object, found %s",
                        ft__json_type_name(info->type));
    t->name = info->key;
    t->dtype = ft__st_dtype_of(dtype);
    if (!dtype || dtype->type != FT__JSON_STRING)
        return ft__fail(r->err, FT_ERR_FORMAT, r->where, "dtype must be a string, found %s",
                        dtype ? ft__json_type_name(dtype->type) : "nothing");
    if (!t->dtype)
        return ft__fail(r->err, FT_ERR_UNSUPPORTED, r->where, "unknown dtype \"%.40s\"", dtype->text);
    ft_status status = ft__st_read_shape(r, ft__json_get(info, "shape"), t);
    return status ? status : ft__st_read_offsets(r, ft__json_get(info, "data_offsets"), t);
}

static int ft__st_by_offset(const void *a, const void *b) {
    const ft__st_tensor *x = (const ft__st_tensor *)a, *y = (const ft__st_tensor *)b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->size < y->size ? -1 : x->size > y->size; /* empty ones first */
}

static int ft__st_by_name(const void *a, const void *b) {
    return strcmp(((const ft__st_tensor *)a)->name, ((const ft__st_tensor *)b)->name);
}

/* Walks over the data section: each tensor must begin where the one before ends. */
static ft_status ft__st_check_cover(ft__st_reader *r) {
    ft__safetensors *s = r->s;
    uint64_t at = 0;
    if (s->n_tensors) qsort(s->tensors, s->n_tensors, sizeof *s->tensors, ft__st_by_offset);
    for (size_t i = 0; i < s->n_tensors; i++) {
        const ft__st_tensor *t = &s->tensors[i];
        snprintf(r->where, sizeof r->where, "%.200s: %.150s", s->path, t->name);
        if (t->begin < at)
            return ft__fail(r->err, FT_ERR_FORMAT, r->where,
                            "data_offsets begin at %llu inside the tensor %.100s, which ends at %llu",
                            (unsigned long long)t->begin, t[-1].name, (unsigned long long)at);
        if (t->begin > at)
            return ft__fail(r->err, FT_ERR_FORMAT, r->where,
                            "data_offsets begin at %llu, but the tensors before end at %llu",
                            (unsigned long long)t->begin, (unsigned long long)at);
        at = t->begin + t->size;
    }
    if (at == r->n_data) return FT_OK;
    return ft__fail(r->err, FT_ERR_FORMAT, s->path,
                    "the file has %llu bytes of data, its tensors end at %llu",
                    (unsigned long long)r->n_data, (unsigned long long)at);
}

static ft_status ft__st_check_names(ft__st_reader *r) {
    ft__safetensors *s = r->s;
    if (s->n_tensors) qsort(s->tensors, s->n_tensors, sizeof *s->tensors, ft__st_by_name);
    for (size_t i = 1; i < s->n_tensors; i++) {
        if (strcmp(s->tensors[i - 1].name, s->tensors[i].name) != 0) continue;
        snprintf(r->where, sizeof r->where, "%.200s: %.150s", s->path, s->tensors[i].name);
        return ft__fail(r->err, FT_ERR_FORMAT, r->where, "the tensor appears twice");
    }
    return FT_OK;
}

static ft_status ft__st_read_head(ft__st_reader *r, const ft__json *head, const uint8_t *data) {
    ft__safetensors *s = r->s;
    if (head->type != FT__JSON_OBJECT)
        return ft__fail(r->err, FT_ERR_FORMAT, s->path, "the head must be a JSON object, found %s",
                        ft__json_type_name(head->type));
    if (head->count > FT__ST_MAX_TENSORS)
        return ft__fail(r->err, FT_ERR_LIMIT, s->path, "%zu tensors, at most %d are allowed", head->count,
                        FT__ST_MAX_TENSORS);
    s->tensors = (ft__st_tensor *)ft__arena_alloc(&s->arena, head->count, sizeof *s->tensors);
    if (!s->tensors) return ft__fail_memory(r->err);
    for (const ft__json *info = head->child; info; info = info->next) {
        if (ft__text_equal(info->key, info->key_len, "__metadata__", 12)) {
            s->metadata = info;
            continue;
        }
        ft__st_tensor *t = &s->tensors[s->n_tensors++];
        ft_status status = ft__st_read_tensor(r, info, t);
        if (status) return status;
        t->data = data + t->begin;
    }
    ft_status status = ft__st_check_cover(r);
    return status ? status : ft__st_check_names(r);
}

static ft_status ft__st_read(ft__st_reader *r) {
    ft__safetensors *s = r->s;
    ft__json *head;
    uint64_t n = 0;
    char name[384];
    if (s->file.size >= sizeof n) memcpy(&n, s->file.data, sizeof n);
    if (s->file.size < sizeof n || s->file.size == sizeof n || s->file.data[sizeof n] != '{')
        return ft__fail(r->err, FT_ERR_FORMAT, s->path, "not a safetensors file");
    if (n > s->file.size - sizeof n)
        return ft__fail(r->err, FT_ERR_FORMAT, s->path,
                        "the head has %llu bytes by its own account, the file %zu", (unsigned long long)n,
                        s->file.size);
    if (n > FT__ST_MAX_HEAD)
        return ft__fail(r->err, FT_ERR_LIMIT, s->path, "the head has %llu bytes, at most %d are allowed",
                        (unsigned long long)n, FT__ST_MAX_HEAD);
    snprintf(name, sizeof name, "%.350s: head", s->path);
    ft_status status = ft__json_parse((const char *)s->file.data + sizeof n, (size_t)n, name, 1, &s->arena,
                                      &head, r->err);
    r->n_data = s->file.size - sizeof n - n;
    return status ? status : ft__st_read_head(r, head, s->file.data + sizeof n + n);
}

FT__PRIV ft_status ft__safetensors_open(ft__safetensors *s, const char *path, const ft_allocator *a,
                                        ft_error *err) {
    ft__st_reader r;
    memset(s, 0, sizeof *s);
    memset(&r, 0, sizeof r);
    r.s = s;
    r.err = err;
    ft__arena_init(&s->arena, a);
    ft_status status = ft__map_file(path, &s->file, err);
    if (status) return status;
    s->path = ft__arena_text(&s->arena, path, strlen(path));
    status = s->path ? ft__st_read(&r) : ft__fail_memory(err);
    if (status) ft__safetensors_close(s);
    return status;
}

FT__PRIV void ft__safetensors_close(ft__safetensors *s) {
    ft__unmap(&s->file);
    ft__arena_free(&s->arena);
    memset(s, 0, sizeof *s);
}

FT__PRIV const ft__st_tensor *ft__safetensors_find(const ft__safetensors *s, const char *name) {
    size_t lo = 0, hi = s->n_tensors;
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        int order = strcmp(s->tensors[middle].name, name);
        if (order == 0) return &s->tensors[middle];
        if (order < 0) lo = middle + 1;
        else hi = middle;
    }
    return NULL;
}

FT__PRIV bool ft__safetensors_floats(const ft__st_tensor *t, uint64_t first, size_t n, float *out) {
    const uint8_t *p = t->data + first * t->dtype->size;
    uint16_t half;
    double wide;
    switch (t->dtype->format) {
    case 0:
        if (n) memcpy(out, p, n * sizeof *out);
        return true;
    case 1: case 30:
        for (size_t i = 0; i < n; i++) {
            memcpy(&half, p + 2 * i, sizeof half);
            out[i] = t->dtype->format == 1 ? ft__f16_to_f32(half) : ft__bf16_to_f32(half);
        }
        return true;
    case 28:
        for (size_t i = 0; i < n; i++) {
            memcpy(&wide, p + 8 * i, sizeof wide);
            out[i] = (float)wide;
        }
        return true;
    default: return false;
    }
}
