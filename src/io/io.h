/* Floor 1: file formats.  JSON and friends (json.h), and GGUF. */
#ifndef FT__IO_H
#define FT__IO_H

#include "json.h"

/* ---- gguf: io/gguf.c.  The container of models and adapters, versions 2 and 3. */

typedef enum ft__gguf_type {
    FT__GGUF_U8, FT__GGUF_I8, FT__GGUF_U16, FT__GGUF_I16, FT__GGUF_U32, FT__GGUF_I32, FT__GGUF_F32,
    FT__GGUF_BOOL, FT__GGUF_STRING, FT__GGUF_ARRAY, FT__GGUF_U64, FT__GGUF_I64, FT__GGUF_F64,
    FT__GGUF_TYPE_COUNT
} ft__gguf_type;

/* Bytes in the mapped file; not NUL-terminated. */
typedef struct ft__gguf_str { const char *data; size_t len; } ft__gguf_str;

typedef struct ft__gguf_kv {
    ft__gguf_str key;
    ft__gguf_type type;         /* FT__GGUF_ARRAY: the elements' type is `element` */
    ft__gguf_type element;
    uint64_t count;             /* 1, or the length of an array */
    const uint8_t *data;        /* the value's bytes, unaligned; for strings see ft__gguf_strings */
} ft__gguf_kv;

#define FT__MAX_DIMS 4
typedef struct ft__gguf_tensor {
    const char *name;           /* NUL-terminated, at most 255 bytes */
    int n_dims;
    uint64_t ne[FT__MAX_DIMS];  /* fastest first; 1 beyond n_dims */
    uint32_t type;              /* an id of the format table (num/quant.c knows the sizes) */
    uint64_t offset;            /* from the start of the file */
    uint64_t size;              /* bytes */
    const uint8_t *data;
} ft__gguf_tensor;

typedef struct ft__gguf {
    const char *path;
    ft__mapping file;
    ft__arena arena;
    uint32_t version, alignment;
    ft__gguf_kv *kv;
    size_t n_kv;
    ft__gguf_tensor *tensors;
    size_t n_tensors;
    uint32_t *index;            /* open-addressing hash of tensor names; private to gguf.c */
    size_t index_size;
    size_t cap_kv, cap_tensors; /* while it is being made in memory */
    ft__mapping *more;          /* (n_more) further files that tensors lie in */
    size_t n_more;
} ft__gguf;

/* Opens and checks the whole file: every count, length, offset, overlap with the end of the file.
   A tensor type that the format table lacks is FT_ERR_UNSUPPORTED.  *g needs ft__gguf_close only
   after success. */
FT__PRIV ft_status ft__gguf_open(ft__gguf *g, const char *path, const ft_allocator *a, ft_error *err);
FT__PRIV void ft__gguf_close(ft__gguf *g);
FT__PRIV const ft__gguf_tensor *ft__gguf_find(const ft__gguf *g, const char *name); /* NULL: none */
FT__PRIV const ft__gguf_kv *ft__gguf_key(const ft__gguf *g, const char *key);       /* NULL: none */

/* Values by key, any integer width accepted.  Absent: *value keeps what it has (the default) and the
   status is FT_OK.  Present with another type, or outside the range: FT_ERR_FORMAT naming the key. */
FT__PRIV ft_status ft__gguf_int(const ft__gguf *g, const char *key, int64_t lowest, int64_t highest,
                                int64_t *value, ft_error *err);
FT__PRIV ft_status ft__gguf_float(const ft__gguf *g, const char *key, double *value, ft_error *err);
FT__PRIV ft_status ft__gguf_bool(const ft__gguf *g, const char *key, bool *value, ft_error *err);
FT__PRIV ft_status ft__gguf_string(const ft__gguf *g, const char *key, ft__gguf_str *value,
                                   ft_error *err);
/* All strings of an array of strings, as an array in the file's arena. */
FT__PRIV ft_status ft__gguf_strings(ft__gguf *g, const ft__gguf_kv *kv, ft__gguf_str **strings,
                                    ft_error *err);
/* Element i of an array (or of a single value, i = 0) of numbers or bools, as a double / integer. */
FT__PRIV double ft__gguf_number_at(const ft__gguf_kv *kv, uint64_t i);
FT__PRIV int64_t ft__gguf_int_at(const ft__gguf_kv *kv, uint64_t i);

/* Made in memory: what another format says, in GGUF's words.  `path` names it in errors.  Keys, texts
   and arrays are copied; a tensor's data must live as long as g: in g->arena, or in a mapping that g
   takes over.  Want of memory shows in ft__gguf_make_end, which must come before anything is asked;
   then *g needs ft__gguf_close, whatever failed. */
FT__PRIV void ft__gguf_make_begin(ft__gguf *g, const char *path, const ft_allocator *a);
FT__PRIV void ft__gguf_make_u32(ft__gguf *g, const char *key, uint32_t value);
FT__PRIV void ft__gguf_make_f32(ft__gguf *g, const char *key, float value);
FT__PRIV void ft__gguf_make_bool(ft__gguf *g, const char *key, bool value);
FT__PRIV void ft__gguf_make_string(ft__gguf *g, const char *key, const char *text, size_t n);
FT__PRIV void ft__gguf_make_strings(ft__gguf *g, const char *key, const ft__gguf_str *texts, size_t n);
/* n numbers or bools of one type, as they lie in memory. */
FT__PRIV void ft__gguf_make_array(ft__gguf *g, const char *key, ft__gguf_type type, const void *values,
                                  size_t n);
FT__PRIV void ft__gguf_make_tensor(ft__gguf *g, const char *name, int n_dims, const uint64_t *ne,
                                   uint32_t type, const uint8_t *data);
/* Takes the mapping over; *m is empty afterwards, whatever failed. */
FT__PRIV void ft__gguf_make_own(ft__gguf *g, ft__mapping *m);
FT__PRIV ft_status ft__gguf_make_end(ft__gguf *g, ft_error *err);

/* Writing version 3.  Keys first, then the declarations of all tensors, then their data in the same
   order; the file appears under its name only when ft__gguf_write_end succeeds. */
typedef struct ft__gguf_writer {
    ft_allocator allocator;
    ft__writer file;
    ft__buf kv, infos;
    uint64_t n_kv, n_tensors, next_offset;
    uint64_t *sizes;            /* (n_tensors) */
    size_t cap_sizes;
    uint64_t n_written;         /* tensors whose data is in */
    uint64_t n_part;            /* bytes of the next one that are in */
    bool head_written;
} ft__gguf_writer;
FT__PRIV ft_status ft__gguf_write_begin(ft__gguf_writer *w, const char *path, const ft_allocator *a,
                                        ft_error *err);
FT__PRIV void ft__gguf_write_u32(ft__gguf_writer *w, const char *key, uint32_t value);
FT__PRIV void ft__gguf_write_f32(ft__gguf_writer *w, const char *key, float value);
FT__PRIV void ft__gguf_write_bool(ft__gguf_writer *w, const char *key, bool value);
FT__PRIV void ft__gguf_write_string(ft__gguf_writer *w, const char *key, const char *text);
FT__PRIV void ft__gguf_write_strings(ft__gguf_writer *w, const char *key, const char *const *texts,
                                     size_t n);
FT__PRIV void ft__gguf_write_f32s(ft__gguf_writer *w, const char *key, const float *values, size_t n);
FT__PRIV void ft__gguf_write_i32s(ft__gguf_writer *w, const char *key, const int32_t *values, size_t n);
/* A key-value pair of another file, byte for byte. */
FT__PRIV void ft__gguf_write_kv(ft__gguf_writer *w, const ft__gguf_kv *kv);
FT__PRIV ft_status ft__gguf_write_tensor(ft__gguf_writer *w, const char *name, int n_dims,
                                         const uint64_t *ne, uint32_t type, ft_error *err);
FT__PRIV ft_status ft__gguf_write_data(ft__gguf_writer *w, const void *bytes, size_t n, ft_error *err);
/* The same a part at a time; the next tensor begins where one has all its bytes. */
FT__PRIV ft_status ft__gguf_write_part(ft__gguf_writer *w, const void *bytes, size_t n, ft_error *err);
FT__PRIV ft_status ft__gguf_write_end(ft__gguf_writer *w, ft_error *err);
FT__PRIV void ft__gguf_write_abort(ft__gguf_writer *w);

/* ---- safetensors: io/safetensors.c.  Tensors of Hugging Face models and PEFT adapters. */

/* What an element is: a row of the table in safetensors.c. */
typedef struct ft__st_dtype {
    const char *name; /* "BF16" */
    uint32_t size;    /* bytes */
    int format;       /* the same thing's id in the format table, -1 if it has none */
} ft__st_dtype;

#define FT__ST_MAX_DIMS 8
typedef struct ft__st_tensor {
    const char *name;
    const ft__st_dtype *dtype;
    int n_dims;
    uint64_t shape[FT__ST_MAX_DIMS]; /* slowest first, as in the file; 1 beyond n_dims */
    uint64_t count;                  /* elements */
    uint64_t begin, size;            /* bytes, from the start of the data section */
    const uint8_t *data;             /* in the mapped file, at any address */
} ft__st_tensor;

typedef struct ft__safetensors {
    const char *path;
    ft__mapping file;
    ft__arena arena;
    ft__st_tensor *tensors;  /* (n_tensors) sorted by name */
    size_t n_tensors;
    const ft__json *metadata; /* "__metadata__", an object of strings, or NULL */
} ft__safetensors;

/* Opens and checks the whole file: the head's length, every shape and offset, that tensors neither
   overlap nor leave holes, that no name comes twice.  *s needs ft__safetensors_close only after success. */
FT__PRIV ft_status ft__safetensors_open(ft__safetensors *s, const char *path, const ft_allocator *a,
                                        ft_error *err);
FT__PRIV void ft__safetensors_close(ft__safetensors *s);
FT__PRIV const ft__st_tensor *ft__safetensors_find(const ft__safetensors *s, const char *name);
/* Elements first .. first + n as floats; false if the dtype is none of F32, F16, BF16, F64. */
FT__PRIV bool ft__safetensors_floats(const ft__st_tensor *t, uint64_t first, size_t n, float *out);

/* ---- format sizes: num/quant.c owns the table, the container needs the sizes. */

/* Elements and bytes per block of a tensor type id; false if the id is unknown. */
FT__PRIV bool ft__format_block(uint32_t type, uint32_t *n_elements, uint32_t *n_bytes);

#endif /* FT__IO_H */
