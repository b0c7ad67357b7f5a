/* GGUF, the container of models and adapters: a head (magic, version, two counts), key-value pairs,
   tensor infos, padding, tensor data.  Little-endian; versions 2 and 3 have the same layout.

   Reading trusts nothing.  A count is compared with the bytes that are left before memory is asked
   for it, every length before it is stepped over, and every tensor must lie inside the file, so
   that later code may use kv[].data and tensors[].data without looking back.  Tensors may share
   bytes: nothing is ever written to them.  Strings stay where they are in the mapped file.

   Writing collects keys and infos in memory, puts the head out before the first tensor's data, and
   lets ft__writer see to it that only a whole file gets the name. */
#include "io.h"

enum {
    FT__GGUF_MAX_KEYS = 4096,        /* models have 20 to 60 */
    FT__GGUF_MAX_TENSORS = 65536,    /* the largest models have some 2000, adapters twice that */
    FT__GGUF_MAX_KEY = 65535,        /* bytes, from the format's description */
    FT__GGUF_MAX_NAME = 255,
    FT__GGUF_MAX_ALIGNMENT = 65536,
    FT__GGUF_ALIGNMENT = 32,         /* where the file does not say, and what the writer uses */
    FT__GGUF_MIN_KV = 13,            /* bytes: length, type, the smallest value */
    FT__GGUF_MIN_INFO = 33           /* bytes: length, name of 1, n_dims, one dim, type, offset */
};

typedef struct ft__gguf_type_row {
    const char *name;
    uint32_t size; /* bytes, 0 where it varies */
    char kind;     /* 'i' an integer, 'f' a float, 0 neither */
} ft__gguf_type_row;

static const ft__gguf_type_row ft__gguf_types[FT__GGUF_TYPE_COUNT] = {
    {"u8", 1, 'i'},   {"i8", 1, 'i'},    {"u16", 2, 'i'},  {"i16", 2, 'i'}, {"u32", 4, 'i'},
    {"i32", 4, 'i'},  {"f32", 4, 'f'},   {"bool", 1, 0},   {"string", 0, 0}, {"array", 0, 0},
    {"u64", 8, 'i'},  {"i64", 8, 'i'},   {"f64", 8, 'f'},
};

/* "path: name" for an error's place. */
typedef struct ft__gguf_place { char text[384]; } ft__gguf_place;

static const char *ft__gguf_place_of(ft__gguf_place *place, const char *path, const char *name,
                                     size_t n) {
    snprintf(place->text, sizeof place->text, "%.250s: %.*s", path, n < 120 ? (int)n : 120, name);
    return place->text;
}

/* ---- reading */

typedef struct ft__gguf_reader {
    ft__gguf *g;
    size_t at; /* <= g->file.size */
    ft_error *err;
} ft__gguf_reader;

static uint64_t ft__gguf_left(const ft__gguf_reader *r) { return r->g->file.size - r->at; }

/* The next n bytes, or NULL if the file has fewer. */
static const uint8_t *ft__gguf_take(ft__gguf_reader *r, uint64_t n) {
    if (n > ft__gguf_left(r)) return NULL;
    const uint8_t *bytes = r->g->file.data + r->at;
    r->at += (size_t)n;
    return bytes;
}

static ft_status ft__gguf_cut(const ft__gguf_reader *r, const char *what) {
    return ft__fail(r->err, FT_ERR_FORMAT, r->g->path, "the file ends inside %s; it has %zu bytes",
                    what, r->g->file.size);
}

static ft_status ft__gguf_read_u32(ft__gguf_reader *r, const char *what, uint32_t *value) {
    const uint8_t *bytes = ft__gguf_take(r, sizeof *value);
    if (!bytes) return ft__gguf_cut(r, what);
    memcpy(value, bytes, sizeof *value);
    return FT_OK;
}

static ft_status ft__gguf_read_u64(ft__gguf_reader *r, const char *what, uint64_t *value) {
    const uint8_t *bytes = ft__gguf_take(r, sizeof *value);
    if (!bytes) return ft__gguf_cut(r, what);
    memcpy(value, bytes, sizeof *value);
    return FT_OK;
}

/* A key or a tensor's name.  Control characters, NUL among them, would only serve to confuse. */
static ft_status ft__gguf_read_name(ft__gguf_reader *r, const char *what, uint64_t longest,
                                    ft__gguf_str *name) {
    uint64_t n = 0;
    ft_status status = ft__gguf_read_u64(r, what, &n);
    if (status) return status;
    const char *bytes = (const char *)ft__gguf_take(r, n);
    if (!bytes) return ft__gguf_cut(r, what);
    if (n == 0) return ft__fail(r->err, FT_ERR_FORMAT, r->g->path, "%s is empty", what);
    if (n > longest)
        return ft__fail(r->err, FT_ERR_LIMIT, r->g->path,
                        "%s has %llu bytes, at most %llu are allowed", what,
                        (unsigned long long)n, (unsigned long long)longest);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)bytes[i] < 32)
            return ft__fail(r->err, FT_ERR_FORMAT, r->g->path, "%s holds the control byte %d", what,
                            bytes[i]);
    name->data = bytes;
    name->len = (size_t)n;
    return FT_OK;
}

/* Steps over `count` values of type kv->element and notes where they begin. */
static ft_status ft__gguf_read_elements(ft__gguf_reader *r, ft__gguf_kv *kv, const char *place) {
    uint64_t size = ft__gguf_types[kv->element].size;
    uint64_t least = size ? size : 8; /* a string is at least its length */
    if (kv->count > ft__gguf_left(r) / least)
        return ft__fail(r->err, FT_ERR_FORMAT, place,
                        "%llu values of type %s, but %llu bytes are left",
                        (unsigned long long)kv->count, ft__gguf_types[kv->element].name,
                        (unsigned long long)ft__gguf_left(r));
    kv->data = r->g->file.data + r->at;
    if (size) {
        r->at += (size_t)(kv->count * size);
        return FT_OK;
    }
    for (uint64_t i = 0; i < kv->count; i++) {
        uint64_t n;
        const uint8_t *length = ft__gguf_take(r, sizeof n);
        if (length) memcpy(&n, length, sizeof n);
        if (!length || !ft__gguf_take(r, n))
            return ft__fail(r->err, FT_ERR_FORMAT, place,
                            "the file ends inside string %llu of %llu", (unsigned long long)i,
                            (unsigned long long)kv->count);
    }
    return FT_OK;
}

static ft_status ft__gguf_read_kv(ft__gguf_reader *r, ft__gguf_kv *kv) {
    ft__gguf_place place;
    uint32_t type = 0, element;
    ft_status status = ft__gguf_read_name(r, "a key", FT__GGUF_MAX_KEY, &kv->key);
    if (!status) status = ft__gguf_read_u32(r, "a value's type", &type);
    if (status) return status;
    ft__gguf_place_of(&place, r->g->path, kv->key.data, kv->key.len);
    element = type;
    kv->count = 1;
    if (type == FT__GGUF_ARRAY) {
        status = ft__gguf_read_u32(r, "an array's type", &element);
        if (!status) status = ft__gguf_read_u64(r, "an array's length", &kv->count);
        if (status) return status;
        if (element == FT__GGUF_ARRAY)
            return ft__fail(r->err, FT_ERR_UNSUPPORTED, place.text, "an array of arrays");
    }
    if (element >= FT__GGUF_TYPE_COUNT)
        return ft__fail(r->err, FT_ERR_FORMAT, place.text, "value type %u, expected 0 to %d",
                        element, FT__GGUF_TYPE_COUNT - 1);
    kv->type = (ft__gguf_type)type;
    kv->element = (ft__gguf_type)element;
    return ft__gguf_read_elements(r, kv, place.text);
}

static const ft__gguf_kv *ft__gguf_find_key(const ft__gguf *g, const char *key, size_t n) {
    for (size_t i = 0; i < g->n_kv; i++)
        if (ft__text_equal(g->kv[i].key.data, g->kv[i].key.len, key, n)) return &g->kv[i];
    return NULL;
}

static ft_status ft__gguf_read_keys(ft__gguf_reader *r, size_t n) {
    ft__gguf *g = r->g;
    ft__gguf_place place;
    g->kv = (ft__gguf_kv *)ft__arena_alloc(&g->arena, n, sizeof *g->kv);
    if (!g->kv) return ft__fail_memory(r->err);
    for (; g->n_kv < n; g->n_kv++) {
        ft__gguf_kv *kv = &g->kv[g->n_kv];
        ft_status status = ft__gguf_read_kv(r, kv);
        if (status) return status;
        if (ft__gguf_find_key(g, kv->key.data, kv->key.len))
            return ft__fail(r->err, FT_ERR_FORMAT,
                            ft__gguf_place_of(&place, g->path, kv->key.data, kv->key.len),
                            "the key appears twice");
    }
    return FT_OK;
}

/* Bytes of a tensor with these dims, all of it checked; reader and writer agree by sharing it. */
static ft_status ft__gguf_tensor_size(int n_dims, const uint64_t *ne, uint32_t type,
                                      const char *place, uint64_t *size, ft_error *err) {
    uint32_t n_elements, n_bytes;
    uint64_t count = 1;
    if (n_dims < 1 || n_dims > FT__MAX_DIMS)
        return ft__fail(err, FT_ERR_FORMAT, place, "%d dimensions, expected 1 to %d", n_dims,
                        FT__MAX_DIMS);
    if (!ft__format_block(type, &n_elements, &n_bytes))
        return ft__fail(err, FT_ERR_UNSUPPORTED, place, "unknown tensor type %u", type);
    for (int i = 0; i < n_dims; i++)
        if (ne[i] == 0 || !ft__mul_u64(count, ne[i], &count) || count > INT64_MAX)
            return ft__fail(err, FT_ERR_FORMAT, place, "dimension %d of %d is %llu: %s", i + 1,
                            n_dims, (unsigned long long)ne[i],
                            ne[i] ? "too many elements" : "no elements");
    if (ne[0] % n_elements)
        return ft__fail(err, FT_ERR_FORMAT, place,
                        "rows of %llu elements, expected a multiple of %u",
                        (unsigned long long)ne[0], n_elements);
    if (!ft__mul_u64(count / n_elements, n_bytes, size))
        return ft__fail(err, FT_ERR_FORMAT, place, "too many bytes");
    return FT_OK;
}

static uint32_t ft__gguf_hash(const char *name) { /* FNV-1a */
    uint32_t hash = 2166136261u;
    for (; *name; name++) hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash;
}

/* The slot that holds the number (counted from 1) of the tensor called `name`, or the free one
   where it belongs.  At most half of the slots are taken. */
static uint32_t *ft__gguf_slot(const ft__gguf *g, const char *name) {
    size_t i = ft__gguf_hash(name) & (g->index_size - 1);
    while (g->index[i] && strcmp(g->tensors[g->index[i] - 1].name, name) != 0)
        i = (i + 1) & (g->index_size - 1);
    return &g->index[i];
}

/* One tensor info, all but its place in the file: t->offset still counts from the data section. */
static ft_status ft__gguf_read_info(ft__gguf_reader *r, ft__gguf_tensor *t) {
    ft__gguf_place place;
    ft__gguf_str name = {NULL, 0};
    uint32_t n_dims = 0;
    ft_status status = ft__gguf_read_name(r, "a tensor's name", FT__GGUF_MAX_NAME, &name);
    if (!status) status = ft__gguf_read_u32(r, "a tensor's shape", &n_dims);
    if (status) return status;
    ft__gguf_place_of(&place, r->g->path, name.data, name.len);
    if (n_dims < 1 || n_dims > FT__MAX_DIMS)
        return ft__fail(r->err, FT_ERR_FORMAT, place.text, "%u dimensions, expected 1 to %d",
                        n_dims, FT__MAX_DIMS);
    t->n_dims = (int)n_dims;
    for (int i = 0; i < FT__MAX_DIMS; i++) t->ne[i] = 1;
    for (int i = 0; !status && i < t->n_dims; i++)
        status = ft__gguf_read_u64(r, "a tensor's shape", &t->ne[i]);
    if (!status) status = ft__gguf_read_u32(r, "a tensor's type", &t->type);
    if (!status) status = ft__gguf_read_u64(r, "a tensor's offset", &t->offset);
    if (!status)
        status = ft__gguf_tensor_size(t->n_dims, t->ne, t->type, place.text, &t->size, r->err);
    if (status) return status;
    t->name = ft__arena_text(&r->g->arena, name.data, name.len);
    return t->name ? FT_OK : ft__fail_memory(r->err);
}

/* An empty index for n tensors. */
static bool ft__gguf_make_index(ft__gguf *g, size_t n) {
    for (g->index_size = 16; g->index_size < 2 * n;) g->index_size *= 2;
    g->index = (uint32_t *)ft__arena_alloc(&g->arena, g->index_size, sizeof *g->index);
    return g->index != NULL;
}

static ft_status ft__gguf_read_infos(ft__gguf_reader *r, size_t n) {
    ft__gguf *g = r->g;
    ft__gguf_place place;
    g->tensors = (ft__gguf_tensor *)ft__arena_alloc(&g->arena, n, sizeof *g->tensors);
    if (!g->tensors || !ft__gguf_make_index(g, n)) return ft__fail_memory(r->err);
    while (g->n_tensors < n) {
        ft__gguf_tensor *t = &g->tensors[g->n_tensors];
        ft_status status = ft__gguf_read_info(r, t);
        if (status) return status;
        uint32_t *slot = ft__gguf_slot(g, t->name);
        if (*slot)
            return ft__fail(r->err, FT_ERR_FORMAT,
                            ft__gguf_place_of(&place, g->path, t->name, strlen(t->name)),
                            "the tensor appears twice");
        *slot = (uint32_t)++g->n_tensors;
    }
    return FT_OK;
}

/* Turns offsets into places in the file, now that it is known where the data section begins. */
static ft_status ft__gguf_place_tensors(ft__gguf_reader *r) {
    ft__gguf *g = r->g;
    ft__gguf_place place;
    uint64_t start = ((uint64_t)r->at + g->alignment - 1) / g->alignment * g->alignment;
    for (size_t i = 0; i < g->n_tensors; i++) {
        ft__gguf_tensor *t = &g->tensors[i];
        ft__gguf_place_of(&place, g->path, t->name, strlen(t->name));
        if (t->offset % g->alignment)
            return ft__fail(r->err, FT_ERR_FORMAT, place.text,
                            "offset %llu, expected a multiple of %u",
                            (unsigned long long)t->offset, g->alignment);
        if (start > g->file.size || t->offset > g->file.size - start ||
            t->size > g->file.size - start - t->offset)
            return ft__fail(r->err, FT_ERR_FORMAT, place.text,
                            "%llu bytes at offset %llu reach past the end of the file "
                            "(data begins at %llu, the file has %zu bytes)",
                            (unsigned long long)t->size, (unsigned long long)t->offset,
                            (unsigned long long)start, g->file.size);
        t->offset += start;
        t->data = g->file.data + t->offset;
    }
    return FT_OK;
}

/* Keys that concern the container itself. */
static ft_status ft__gguf_read_settings(ft__gguf_reader *r) {
    ft__gguf *g = r->g;
    ft__gguf_place place;
    int64_t alignment = FT__GGUF_ALIGNMENT;
    static const char align_key[] = "general.alignment";
    ft_status status = ft__gguf_int(g, align_key, 1, FT__GGUF_MAX_ALIGNMENT, &alignment, r->err);
    if (status) return status;
    if (alignment & (alignment - 1))
        return ft__fail(r->err, FT_ERR_FORMAT,
                        ft__gguf_place_of(&place, g->path, align_key, sizeof align_key - 1),
                        "must be a power of two, found %lld", (long long)alignment);
    g->alignment = (uint32_t)alignment;
    return FT_OK;
}

static ft_status ft__gguf_check_version(const ft__gguf_reader *r) {
    uint32_t version = r->g->version;
    if (version == 2 || version == 3) return FT_OK;
    bool swapped = version && (version & 0xFFFFu) == 0;
    return ft__fail(r->err, FT_ERR_UNSUPPORTED, r->g->path, "%s %u, expected GGUF version 2 or 3",
                    swapped ? "a big-endian file of version" : "version",
                    swapped ? version >> 24 | (version >> 8 & 0xFF00u) : version);
}

/* A count from the head: each item takes at least `least` bytes, so the file bounds it. */
static ft_status ft__gguf_read_count(ft__gguf_reader *r, const char *what, uint64_t least,
                                     uint64_t most, uint64_t *count) {
    ft_status status = ft__gguf_read_u64(r, "its head", count);
    if (status) return status;
    if (*count > ft__gguf_left(r) / least)
        return ft__fail(r->err, FT_ERR_FORMAT, r->g->path, "%llu %s in a file of %zu bytes",
                        (unsigned long long)*count, what, r->g->file.size);
    if (*count > most)
        return ft__fail(r->err, FT_ERR_LIMIT, r->g->path, "%llu %s, at most %llu are allowed",
                        (unsigned long long)*count, what, (unsigned long long)most);
    return FT_OK;
}

static ft_status ft__gguf_read(ft__gguf_reader *r) {
    uint64_t n_tensors = 0, n_kv = 0;
    const uint8_t *magic = ft__gguf_take(r, 4);
    if (!magic || memcmp(magic, "GGUF", 4) != 0)
        return ft__fail(r->err, FT_ERR_FORMAT, r->g->path, "not a GGUF file");
    ft_status status = ft__gguf_read_u32(r, "its head", &r->g->version);
    if (!status) status = ft__gguf_check_version(r);
    if (!status)
        status = ft__gguf_read_count(r, "tensors", FT__GGUF_MIN_INFO, FT__GGUF_MAX_TENSORS,
                                     &n_tensors);
    if (!status) status = ft__gguf_read_count(r, "keys", FT__GGUF_MIN_KV, FT__GGUF_MAX_KEYS, &n_kv);
    if (!status) status = ft__gguf_read_keys(r, (size_t)n_kv);
    if (!status) status = ft__gguf_read_settings(r);
    if (!status) status = ft__gguf_read_infos(r, (size_t)n_tensors);
    return status ? status : ft__gguf_place_tensors(r);
}

FT__PRIV ft_status ft__gguf_open(ft__gguf *g, const char *path, const ft_allocator *a,
                                 ft_error *err) {
    ft__gguf_reader r = {g, 0, err};
    memset(g, 0, sizeof *g);
    ft__arena_init(&g->arena, a);
    ft_status status = ft__map_file(path, &g->file, err);
    if (status) return status;
    g->path = ft__arena_text(&g->arena, path, strlen(path));
    status = g->path ? ft__gguf_read(&r) : ft__fail_memory(err);
    if (status) ft__gguf_close(g);
    return status;
}

FT__PRIV void ft__gguf_close(ft__gguf *g) {
    ft__unmap(&g->file);
    for (size_t i = 0; i < g->n_more; i++) ft__unmap(&g->more[i]);
    ft__arena_free(&g->arena);
    memset(g, 0, sizeof *g);
}

/* ---- making one in memory */

/* Room for one more item, in the arena; what is outgrown stays there until the end. */
static void *ft__gguf_make_room(ft__gguf *g, void *items, size_t n, size_t *cap, size_t size) {
    if (n < *cap) return items;
    size_t bigger = *cap ? 2 * *cap : 64;
    void *moved = ft__arena_alloc(&g->arena, bigger, size);
    if (!moved) return NULL;
    if (n) memcpy(moved, items, n * size);
    *cap = bigger;
    return moved;
}

FT__PRIV void ft__gguf_make_begin(ft__gguf *g, const char *path, const ft_allocator *a) {
    memset(g, 0, sizeof *g);
    ft__arena_init(&g->arena, a);
    g->version = 3;
    g->alignment = FT__GGUF_ALIGNMENT;
    g->path = ft__arena_text(&g->arena, path, strlen(path));
}

/* Adds a key with room for n bytes of value, which the caller fills; NULL: out of memory. */
static uint8_t *ft__gguf_make_kv(ft__gguf *g, const char *key, ft__gguf_type type,
                                 ft__gguf_type element, size_t count, size_t n) {
    char *name = ft__arena_text(&g->arena, key, strlen(key));
    uint8_t *data = (uint8_t *)ft__arena_alloc(&g->arena, n, 1);
    ft__gguf_kv *all =
        (ft__gguf_kv *)ft__gguf_make_room(g, g->kv, g->n_kv, &g->cap_kv, sizeof *g->kv);
    if (!name || !data || !all) return NULL;
    g->kv = all;
    ft__gguf_kv *kv = &g->kv[g->n_kv++];
    kv->key.data = name;
    kv->key.len = strlen(name);
    kv->type = type;
    kv->element = element;
    kv->count = count;
    kv->data = data;
    return data;
}

static void ft__gguf_make_value(ft__gguf *g, const char *key, ft__gguf_type type, const void *value) {
    uint8_t *data = ft__gguf_make_kv(g, key, type, type, 1, ft__gguf_types[type].size);
    if (data) memcpy(data, value, ft__gguf_types[type].size);
}

FT__PRIV void ft__gguf_make_u32(ft__gguf *g, const char *key, uint32_t value) {
    ft__gguf_make_value(g, key, FT__GGUF_U32, &value);
}

FT__PRIV void ft__gguf_make_f32(ft__gguf *g, const char *key, float value) {
    ft__gguf_make_value(g, key, FT__GGUF_F32, &value);
}

FT__PRIV void ft__gguf_make_bool(ft__gguf *g, const char *key, bool value) {
    uint8_t byte = value;
    ft__gguf_make_value(g, key, FT__GGUF_BOOL, &byte);
}

/* A string as the format has it; returns where it ends. */
static uint8_t *ft__gguf_make_text(uint8_t *p, const char *text, size_t n) {
    uint64_t length = n;
    memcpy(p, &length, sizeof length);
    if (n) memcpy(p + sizeof length, text, n);
    return p + sizeof length + n;
}

FT__PRIV void ft__gguf_make_string(ft__gguf *g, const char *key, const char *text, size_t n) {
    uint8_t *data = ft__gguf_make_kv(g, key, FT__GGUF_STRING, FT__GGUF_STRING, 1, n + 8);
    if (data) ft__gguf_make_text(data, text, n);
}

FT__PRIV void ft__gguf_make_strings(ft__gguf *g, const char *key, const ft__gguf_str *texts,
                                    size_t n) {
    size_t total = 0;
    for (size_t i = 0; i < n; i++) total += 8 + texts[i].len;
    uint8_t *data = ft__gguf_make_kv(g, key, FT__GGUF_ARRAY, FT__GGUF_STRING, n, total);
    for (size_t i = 0; data && i < n; i++) data = ft__gguf_make_text(data, texts[i].data, texts[i].len);
}

FT__PRIV void ft__gguf_make_array(ft__gguf *g, const char *key, ft__gguf_type type,
                                  const void *values, size_t n) {
    size_t size = n * ft__gguf_types[type].size;
    uint8_t *data = ft__gguf_make_kv(g, key, FT__GGUF_ARRAY, type, n, size);
    if (data && size) memcpy(data, values, size);
}

FT__PRIV void ft__gguf_make_tensor(ft__gguf *g, const char *name, int n_dims, const uint64_t *ne,
                                   uint32_t type, const uint8_t *data) {
    ft__gguf_tensor *all = (ft__gguf_tensor *)ft__gguf_make_room(g, g->tensors, g->n_tensors,
                                                                 &g->cap_tensors, sizeof *all);
    char *copy = ft__arena_text(&g->arena, name, strlen(name));
    if (!all || !copy) return;
    g->tensors = all;
    ft__gguf_tensor *t = &g->tensors[g->n_tensors++];
    t->name = copy;
    t->n_dims = n_dims;
    for (int i = 0; i < FT__MAX_DIMS; i++) t->ne[i] = i < n_dims ? ne[i] : 1;
    t->type = type;
    t->data = data;
}

FT__PRIV void ft__gguf_make_own(ft__gguf *g, ft__mapping *m) {
    ft__mapping *all =
        (ft__mapping *)ft__arena_alloc(&g->arena, g->n_more + 1, sizeof *all); /* few: shards */
    if (all) {
        if (g->n_more) memcpy(all, g->more, g->n_more * sizeof *all);
        all[g->n_more++] = *m;
        g->more = all;
        m->data = NULL;
        m->size = 0;
    }
    ft__unmap(m);
}

FT__PRIV ft_status ft__gguf_make_end(ft__gguf *g, ft_error *err) {
    ft__gguf_place place;
    if (g->arena.failed || !ft__gguf_make_index(g, g->n_tensors)) return ft__fail_memory(err);
    for (size_t i = 0; i < g->n_tensors; i++) {
        ft__gguf_tensor *t = &g->tensors[i];
        uint32_t *slot = ft__gguf_slot(g, t->name);
        ft__gguf_place_of(&place, g->path, t->name, strlen(t->name));
        if (*slot) return ft__fail(err, FT_ERR_FORMAT, place.text, "the tensor appears twice");
        ft_status status =
            ft__gguf_tensor_size(t->n_dims, t->ne, t->type, place.text, &t->size, err);
        if (status) return status;
        *slot = (uint32_t)i + 1;
    }
    return FT_OK;
}

/* ---- asking */

FT__PRIV const ft__gguf_tensor *ft__gguf_find(const ft__gguf *g, const char *name) {
    uint32_t number = *ft__gguf_slot(g, name);
    return number ? &g->tensors[number - 1] : NULL;
}

FT__PRIV const ft__gguf_kv *ft__gguf_key(const ft__gguf *g, const char *key) {
    return ft__gguf_find_key(g, key, strlen(key));
}

/* Integers beyond int64_t saturate; floats are cut towards zero. */
FT__PRIV int64_t ft__gguf_int_at(const ft__gguf_kv *kv, uint64_t i) {
    if (i >= kv->count) return 0;
    const uint8_t *p = kv->data + i * ft__gguf_types[kv->element].size;
    int8_t i8;
    uint16_t u16;
    int16_t i16;
    uint32_t u32;
    int32_t i32;
    uint64_t u64;
    int64_t i64;
    double number;
    switch (kv->element) {
    case FT__GGUF_U8: return *p;
    case FT__GGUF_BOOL: return *p != 0;
    case FT__GGUF_I8: memcpy(&i8, p, sizeof i8); return i8;
    case FT__GGUF_U16: memcpy(&u16, p, sizeof u16); return u16;
    case FT__GGUF_I16: memcpy(&i16, p, sizeof i16); return i16;
    case FT__GGUF_U32: memcpy(&u32, p, sizeof u32); return u32;
    case FT__GGUF_I32: memcpy(&i32, p, sizeof i32); return i32;
    case FT__GGUF_I64: memcpy(&i64, p, sizeof i64); return i64;
    case FT__GGUF_U64:
        memcpy(&u64, p, sizeof u64);
        return u64 > INT64_MAX ? INT64_MAX : (int64_t)u64;
    default:
        number = ft__gguf_number_at(kv, i);
        if (number >= 9.2e18) return INT64_MAX;
        if (number <= -9.2e18) return INT64_MIN;
        return number == number ? (int64_t)number : 0;
    }
}

FT__PRIV double ft__gguf_number_at(const ft__gguf_kv *kv, uint64_t i) {
    if (i >= kv->count) return 0;
    const uint8_t *p = kv->data + i * ft__gguf_types[kv->element].size;
    float f32;
    double f64;
    uint64_t u64;
    switch (kv->element) {
    case FT__GGUF_F32: memcpy(&f32, p, sizeof f32); return (double)f32;
    case FT__GGUF_F64: memcpy(&f64, p, sizeof f64); return f64;
    case FT__GGUF_U64: memcpy(&u64, p, sizeof u64); return (double)u64;
    case FT__GGUF_STRING: case FT__GGUF_ARRAY: case FT__GGUF_TYPE_COUNT: return 0;
    default: return (double)ft__gguf_int_at(kv, i);
    }
}

static ft_status ft__gguf_wrong_type(const ft__gguf *g, const ft__gguf_kv *kv, const char *expected,
                                     ft_error *err) {
    ft__gguf_place place;
    ft__gguf_place_of(&place, g->path, kv->key.data, kv->key.len);
    return ft__fail(err, FT_ERR_FORMAT, place.text, "must be %s, found %s%s", expected,
                    kv->type == FT__GGUF_ARRAY ? "an array of " : "",
                    ft__gguf_types[kv->element].name);
}

FT__PRIV ft_status ft__gguf_int(const ft__gguf *g, const char *key, int64_t lowest, int64_t highest,
                                int64_t *value, ft_error *err) {
    const ft__gguf_kv *kv = ft__gguf_key(g, key);
    ft__gguf_place place;
    if (!kv) return FT_OK;
    if (ft__gguf_types[kv->type].kind != 'i') return ft__gguf_wrong_type(g, kv, "an integer", err);
    int64_t found = ft__gguf_int_at(kv, 0);
    if (found < lowest || found > highest)
        return ft__fail(err, FT_ERR_FORMAT, ft__gguf_place_of(&place, g->path, key, strlen(key)),
                        "must be %lld to %lld, found %lld", (long long)lowest, (long long)highest,
                        (long long)found);
    *value = found;
    return FT_OK;
}

FT__PRIV ft_status ft__gguf_float(const ft__gguf *g, const char *key, double *value,
                                  ft_error *err) {
    const ft__gguf_kv *kv = ft__gguf_key(g, key);
    ft__gguf_place place;
    if (!kv) return FT_OK;
    if (!ft__gguf_types[kv->type].kind) return ft__gguf_wrong_type(g, kv, "a number", err);
    double found = ft__gguf_number_at(kv, 0);
    if (!ft__finite(found))
        return ft__fail(err, FT_ERR_FORMAT, ft__gguf_place_of(&place, g->path, key, strlen(key)),
                        "must be a finite number");
    *value = found;
    return FT_OK;
}

FT__PRIV ft_status ft__gguf_bool(const ft__gguf *g, const char *key, bool *value, ft_error *err) {
    const ft__gguf_kv *kv = ft__gguf_key(g, key);
    if (!kv) return FT_OK;
    if (kv->type != FT__GGUF_BOOL) return ft__gguf_wrong_type(g, kv, "a bool", err);
    *value = *kv->data != 0;
    return FT_OK;
}

/* The string at *p, which moves past it; the reader has checked its length. */
static ft__gguf_str ft__gguf_next_string(const uint8_t **p) {
    ft__gguf_str text;
    uint64_t n;
    memcpy(&n, *p, sizeof n);
    text.data = (const char *)*p + sizeof n;
    text.len = (size_t)n;
    *p += sizeof n + text.len;
    return text;
}

FT__PRIV ft_status ft__gguf_string(const ft__gguf *g, const char *key, ft__gguf_str *value,
                                   ft_error *err) {
    const ft__gguf_kv *kv = ft__gguf_key(g, key);
    if (!kv) return FT_OK;
    if (kv->type != FT__GGUF_STRING) return ft__gguf_wrong_type(g, kv, "a string", err);
    const uint8_t *p = kv->data;
    *value = ft__gguf_next_string(&p);
    return FT_OK;
}

FT__PRIV ft_status ft__gguf_strings(ft__gguf *g, const ft__gguf_kv *kv, ft__gguf_str **strings,
                                    ft_error *err) {
    if (kv->type != FT__GGUF_ARRAY || kv->element != FT__GGUF_STRING)
        return ft__gguf_wrong_type(g, kv, "an array of strings", err);
    ft__gguf_str *all = (ft__gguf_str *)ft__arena_alloc(&g->arena, (size_t)kv->count, sizeof *all);
    if (!all) return ft__fail_memory(err);
    const uint8_t *p = kv->data;
    for (uint64_t i = 0; i < kv->count; i++) all[i] = ft__gguf_next_string(&p);
    *strings = all;
    return FT_OK;
}

/* ---- writing */

static void ft__gguf_put(ft__buf *b, const void *bytes, size_t n) {
    ft__buf_add(b, (const char *)bytes, n);
}

static void ft__gguf_put_u32(ft__buf *b, uint32_t value) { ft__gguf_put(b, &value, sizeof value); }
static void ft__gguf_put_u64(ft__buf *b, uint64_t value) { ft__gguf_put(b, &value, sizeof value); }

static void ft__gguf_put_text(ft__buf *b, const char *text, size_t n) {
    ft__gguf_put_u64(b, n);
    ft__buf_add(b, text, n);
}

static void ft__gguf_put_key(ft__gguf_writer *w, const char *key, ft__gguf_type type) {
    ft__gguf_put_text(&w->kv, key, strlen(key));
    ft__gguf_put_u32(&w->kv, (uint32_t)type);
    w->n_kv++;
}

static void ft__gguf_put_array(ft__gguf_writer *w, const char *key, ft__gguf_type element,
                               size_t n) {
    ft__gguf_put_key(w, key, FT__GGUF_ARRAY);
    ft__gguf_put_u32(&w->kv, (uint32_t)element);
    ft__gguf_put_u64(&w->kv, n);
}

FT__PRIV ft_status ft__gguf_write_begin(ft__gguf_writer *w, const char *path, const ft_allocator *a,
                                        ft_error *err) {
    memset(w, 0, sizeof *w);
    w->allocator = ft__allocator(a);
    ft__buf_init(&w->kv, a);
    ft__buf_init(&w->infos, a);
    return ft__writer_open(&w->file, path, a, err);
}

FT__PRIV void ft__gguf_write_u32(ft__gguf_writer *w, const char *key, uint32_t value) {
    ft__gguf_put_key(w, key, FT__GGUF_U32);
    ft__gguf_put_u32(&w->kv, value);
}

FT__PRIV void ft__gguf_write_f32(ft__gguf_writer *w, const char *key, float value) {
    ft__gguf_put_key(w, key, FT__GGUF_F32);
    ft__gguf_put(&w->kv, &value, sizeof value);
}

FT__PRIV void ft__gguf_write_bool(ft__gguf_writer *w, const char *key, bool value) {
    ft__gguf_put_key(w, key, FT__GGUF_BOOL);
    ft__buf_byte(&w->kv, value ? 1 : 0);
}

FT__PRIV void ft__gguf_write_string(ft__gguf_writer *w, const char *key, const char *text) {
    ft__gguf_put_key(w, key, FT__GGUF_STRING);
    ft__gguf_put_text(&w->kv, text, strlen(text));
}

FT__PRIV void ft__gguf_write_strings(ft__gguf_writer *w, const char *key, const char *const *texts,
                                     size_t n) {
    ft__gguf_put_array(w, key, FT__GGUF_STRING, n);
    for (size_t i = 0; i < n; i++) ft__gguf_put_text(&w->kv, texts[i], strlen(texts[i]));
}

FT__PRIV void ft__gguf_write_f32s(ft__gguf_writer *w, const char *key, const float *values,
                                  size_t n) {
    ft__gguf_put_array(w, key, FT__GGUF_F32, n);
    ft__gguf_put(&w->kv, values, n * sizeof *values);
}

FT__PRIV void ft__gguf_write_i32s(ft__gguf_writer *w, const char *key, const int32_t *values,
                                  size_t n) {
    ft__gguf_put_array(w, key, FT__GGUF_I32, n);
    ft__gguf_put(&w->kv, values, n * sizeof *values);
}

FT__PRIV void ft__gguf_write_kv(ft__gguf_writer *w, const ft__gguf_kv *kv) {
    const uint8_t *end = kv->data;
    ft__gguf_put_text(&w->kv, kv->key.data, kv->key.len);
    ft__gguf_put_u32(&w->kv, (uint32_t)kv->type);
    if (kv->type == FT__GGUF_ARRAY) {
        ft__gguf_put_u32(&w->kv, (uint32_t)kv->element);
        ft__gguf_put_u64(&w->kv, kv->count);
    }
    if (kv->element == FT__GGUF_STRING)
        for (uint64_t i = 0; i < kv->count; i++) (void)ft__gguf_next_string(&end);
    else
        end += kv->count * ft__gguf_types[kv->element].size;
    ft__gguf_put(&w->kv, kv->data, (size_t)(end - kv->data));
    w->n_kv++;
}

FT__PRIV ft_status ft__gguf_write_tensor(ft__gguf_writer *w, const char *name, int n_dims,
                                         const uint64_t *ne, uint32_t type, ft_error *err) {
    ft__gguf_place place;
    size_t n = strlen(name);
    uint64_t size, end;
    ft__gguf_place_of(&place, w->file.path, name, n);
    if (w->head_written)
        return ft__fail(err, FT_ERR_ARGUMENT, place.text,
                        "a tensor declared after data was written");
    if (n < 1 || n > FT__GGUF_MAX_NAME)
        return ft__fail(err, FT_ERR_ARGUMENT, place.text, "a name of %zu bytes, expected 1 to %d",
                        n, FT__GGUF_MAX_NAME);
    ft_status status = ft__gguf_tensor_size(n_dims, ne, type, place.text, &size, err);
    if (status) return status;
    if (!ft__add_u64(w->next_offset, size, &end) || !ft__add_u64(end, FT__GGUF_ALIGNMENT - 1, &end))
        return ft__fail(err, FT_ERR_FORMAT, place.text, "too many bytes");
    if (!ft__grow(&w->allocator, (void **)&w->sizes, &w->cap_sizes, (size_t)w->n_tensors + 1,
                  sizeof *w->sizes))
        return ft__fail_memory(err);
    ft__gguf_put_text(&w->infos, name, n);
    ft__gguf_put_u32(&w->infos, (uint32_t)n_dims);
    for (int i = 0; i < n_dims; i++) ft__gguf_put_u64(&w->infos, ne[i]);
    ft__gguf_put_u32(&w->infos, type);
    ft__gguf_put_u64(&w->infos, w->next_offset);
    w->sizes[w->n_tensors++] = size;
    w->next_offset = end / FT__GGUF_ALIGNMENT * FT__GGUF_ALIGNMENT;
    return FT_OK;
}

/* Zero bytes up to the next multiple of the alignment after n bytes. */
static ft_status ft__gguf_write_padding(ft__gguf_writer *w, uint64_t n, ft_error *err) {
    static const char zeros[FT__GGUF_ALIGNMENT] = {0};
    size_t over = (size_t)(n % FT__GGUF_ALIGNMENT);
    return over ? ft__writer_add(&w->file, zeros, FT__GGUF_ALIGNMENT - over, err) : FT_OK;
}

static ft_status ft__gguf_write_head(ft__gguf_writer *w, ft_error *err) {
    char head[24];
    uint32_t version = 3;
    if (w->kv.failed || w->infos.failed) return ft__fail_memory(err);
    memcpy(head, "GGUF", 4);
    memcpy(head + 4, &version, sizeof version);
    memcpy(head + 8, &w->n_tensors, sizeof w->n_tensors);
    memcpy(head + 16, &w->n_kv, sizeof w->n_kv);
    ft_status status = ft__writer_add(&w->file, head, sizeof head, err);
    if (!status) status = ft__writer_add(&w->file, w->kv.data, w->kv.len, err);
    if (!status) status = ft__writer_add(&w->file, w->infos.data, w->infos.len, err);
    if (!status) status = ft__gguf_write_padding(w, sizeof head + w->kv.len + w->infos.len, err);
    w->head_written = true;
    return status;
}

FT__PRIV ft_status ft__gguf_write_data(ft__gguf_writer *w, const void *bytes, size_t n,
                                       ft_error *err) {
    if (w->n_written == w->n_tensors)
        return ft__fail(err, FT_ERR_ARGUMENT, w->file.path,
                        "data for tensor %llu, but %llu are declared",
                        (unsigned long long)w->n_written + 1, (unsigned long long)w->n_tensors);
    if (n != w->sizes[w->n_written])
        return ft__fail(err, FT_ERR_ARGUMENT, w->file.path,
                        "%zu bytes for tensor %llu, which was declared with %llu", n,
                        (unsigned long long)w->n_written + 1,
                        (unsigned long long)w->sizes[w->n_written]);
    return ft__gguf_write_part(w, bytes, n, err);
}

FT__PRIV ft_status ft__gguf_write_part(ft__gguf_writer *w, const void *bytes, size_t n,
                                       ft_error *err) {
    const uint64_t size = w->n_written < w->n_tensors ? w->sizes[w->n_written] : 0;
    if (n > size - w->n_part)
        return ft__fail(err, FT_ERR_ARGUMENT, w->file.path,
                        "more bytes for tensor %llu than the %llu that were declared",
                        (unsigned long long)w->n_written + 1, (unsigned long long)size);
    ft_status status = w->head_written ? FT_OK : ft__gguf_write_head(w, err);
    if (!status) status = ft__writer_add(&w->file, bytes, n, err);
    w->n_part += n;
    if (status || w->n_part < size) return status;
    w->n_part = 0;
    w->n_written++;
    return ft__gguf_write_padding(w, size, err);
}

FT__PRIV ft_status ft__gguf_write_end(ft__gguf_writer *w, ft_error *err) {
    ft_status status = FT_OK;
    if (w->n_written != w->n_tensors)
        status = ft__fail(err, FT_ERR_ARGUMENT, w->file.path,
                          "data for %llu of %llu declared tensors",
                          (unsigned long long)w->n_written, (unsigned long long)w->n_tensors);
    else if (!w->head_written)
        status = ft__gguf_write_head(w, err);
    if (!status) status = ft__writer_commit(&w->file, err);
    ft__gguf_write_abort(w); /* after a commit there is only memory left to give back */
    return status;
}

FT__PRIV void ft__gguf_write_abort(ft__gguf_writer *w) {
    if (w->file.path) ft__writer_abort(&w->file);
    ft__buf_free(&w->kv);
    ft__buf_free(&w->infos);
    ft__free(&w->allocator, w->sizes);
    w->sizes = NULL;
}
