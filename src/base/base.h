/* Floor 0: what every room stands on.  Errors, memory, text, exact arithmetic, random numbers,
   hashing, files, threads, processor features.  No global state anywhere. */
#ifndef FT__BASE_H
#define FT__BASE_H

/* Rooms compiled as separate objects see POSIX; in the amalgamated header ft.h has seen to it. */
#if !defined(FT_IMPLEMENTATION) && !defined(_DEFAULT_SOURCE) && !defined(_GNU_SOURCE)
#define _DEFAULT_SOURCE 1
#endif

#include "../ft.h"

#include <float.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if !defined(__GNUC__)
#error "ft needs gcc or clang"
#endif
#if defined(__FAST_MATH__)
#error "ft promises the same bits everywhere: -ffast-math breaks that"
#endif
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0
#error "ft promises the same bits everywhere: compile with -msse2 -mfpmath=sse"
#endif
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "ft runs on little-endian machines only"
#endif

/* A product and a sum are two roundings (the arithmetic contract, rule 1). */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#endif

/* Private functions are static inside ft.h; as separate objects they have to be seen by other rooms.
   "unused": some serve the tests and the tools that make models. */
#ifdef FT_IMPLEMENTATION
#define FT__PRIV static __attribute__((unused))
#else
#define FT__PRIV
#endif
#define FT__PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define FT__COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- error: base/error.c */

/* Fills *err (if any) and returns `code`.  `where` may be NULL or "". */
FT__PRIV ft_status ft__fail(ft_error *err, ft_status code, const char *where, const char *fmt, ...)
    FT__PRINTF(4, 5);
FT__PRIV ft_status ft__fail_memory(ft_error *err); /* FT_ERR_MEMORY, "out of memory" */

/* ---- alloc: base/alloc.c */

/* The allocator to use for a desc's: malloc and friends where its functions are NULL. */
FT__PRIV ft_allocator ft__allocator(const ft_allocator *given);
FT__PRIV void *ft__alloc(const ft_allocator *a, size_t size);                /* never size 0 */
FT__PRIV void *ft__alloc_zero(const ft_allocator *a, size_t count, size_t size); /* checked product */
FT__PRIV void *ft__resize(const ft_allocator *a, void *memory, size_t count, size_t size);
FT__PRIV void ft__free(const ft_allocator *a, void *memory);                 /* NULL is fine */
FT__PRIV void *ft__alloc_aligned(const ft_allocator *a, size_t count, size_t size); /* 64 bytes */
FT__PRIV void ft__free_aligned(const ft_allocator *a, void *memory);

/* True and *out = a op b, or false where it does not fit. */
FT__PRIV bool ft__add_size(size_t a, size_t b, size_t *out);
FT__PRIV bool ft__mul_size(size_t a, size_t b, size_t *out);
FT__PRIV bool ft__mul_u64(uint64_t a, uint64_t b, uint64_t *out);
FT__PRIV bool ft__add_u64(uint64_t a, uint64_t b, uint64_t *out);

/* Grows *items (of `size` bytes each) so that it holds at least `need`; false if out of memory. */
FT__PRIV bool ft__grow(const ft_allocator *a, void **items, size_t *cap, size_t need, size_t size);

/* Memory that is freed all at once.  Zero bytes are never asked for; NULL means out of memory, and
   `failed` remembers it, so that a room may check once at its end. */
typedef struct ft__arena_block ft__arena_block;
typedef struct ft__arena {
    ft_allocator allocator;
    ft__arena_block *blocks;
    bool failed;
} ft__arena;
FT__PRIV void ft__arena_init(ft__arena *arena, const ft_allocator *a);
FT__PRIV void ft__arena_free(ft__arena *arena);
FT__PRIV void *ft__arena_alloc(ft__arena *arena, size_t count, size_t size); /* 16-aligned, zeroed */
FT__PRIV char *ft__arena_text(ft__arena *arena, const char *text, size_t n);  /* copy + NUL */
FT__PRIV char *ft__arena_printf(ft__arena *arena, const char *fmt, ...) FT__PRINTF(2, 3);

/* ---- str: base/str.c */

/* A growing text, NUL-terminated once anything was added.  After a failed allocation appends do
   nothing and `failed` is true: check once at the end. */
typedef struct ft__buf {
    ft_allocator allocator;
    char *data;
    size_t len, cap;
    bool failed;
} ft__buf;
FT__PRIV void ft__buf_init(ft__buf *b, const ft_allocator *a);
FT__PRIV void ft__buf_free(ft__buf *b);
FT__PRIV void ft__buf_add(ft__buf *b, const char *bytes, size_t n);
FT__PRIV void ft__buf_text(ft__buf *b, const char *text);
FT__PRIV void ft__buf_byte(ft__buf *b, char c);
/* For integers and strings only: floats would follow the host's locale. */
FT__PRIV void ft__buf_printf(ft__buf *b, const char *fmt, ...) FT__PRINTF(2, 3);
/* A double with a fixed number of decimals (0..9), rounded half to even on its exact binary value's
   scaled product; never locale-dependent.  For people, not for files. */
FT__PRIV void ft__buf_fixed(ft__buf *b, double value, int decimals);

/* Hands the text over: FT_ERR_MEMORY if it failed, FT_ERR_CANCELLED if `write` refuses it. */
FT__PRIV ft_status ft__buf_write(const ft__buf *b, ft_write_fn write, void *user, const char *where,
                                 ft_error *err);

FT__PRIV bool ft__text_equal(const char *a, size_t n_a, const char *b, size_t n_b);
/* The name nearest to `wanted` among `count` names (stride bytes apart; each a const char * at the
   start of its record), or NULL if none is near.  For "did you mean". */
FT__PRIV const char *ft__nearest(const char *wanted, const void *names, size_t count, size_t stride);
/* Shell pattern with * and ? over whole strings, bytes; linear-time. */
FT__PRIV bool ft__glob(const char *pattern, const char *text);

/* UTF-8.  Decodes one character at *p (< end) and moves *p past it; an invalid byte gives
   FT__BAD_UTF8 and moves by one. */
#define FT__BAD_UTF8 0xFFFFFFFFu
FT__PRIV uint32_t ft__utf8_next(const char **p, const char *end);
FT__PRIV int ft__utf8_encode(uint32_t code_point, char out[4]); /* number of bytes */
/* How many bytes at the end of text are the beginning of a character that may still be completed. */
FT__PRIV size_t ft__utf8_incomplete_tail(const char *text, size_t n);

/* ---- math: base/math.c.  Own, exact in order: the same bits everywhere. */
FT__PRIV float ft__expf(float x);         /* 0 below -87, finite above */
FT__PRIV float ft__recipf(float x);       /* 1/x for normal x, |x| in 2^-126..2^126 */
FT__PRIV float ft__rsqrtf(float x);       /* 1/sqrt(x), x > 0 normal */
FT__PRIV float ft__tanhf(float x);
FT__PRIV double ft__exp(double x);
FT__PRIV double ft__log(double x);        /* x > 0 */
FT__PRIV void ft__sincos(double x, double *sin_x, double *cos_x); /* |x| < 2^30 */
FT__PRIV double ft__pow(double base, double exponent);            /* base > 0 */
FT__PRIV double ft__sqrt(double x);       /* x >= 0 */
FT__PRIV double ft__floor(double x);
FT__PRIV float ft__f16_to_f32(uint16_t h);
FT__PRIV uint16_t ft__f32_to_f16(float f); /* half to even */
FT__PRIV float ft__bf16_to_f32(uint16_t h);
FT__PRIV uint16_t ft__f32_to_bf16(float f);
FT__PRIV uint32_t ft__bits_of(float f);
FT__PRIV float ft__float_of(uint32_t bits);
FT__PRIV bool ft__finite(double x);

/* ---- random: base/random.c */

/* Philox4x32-10: four 32-bit words from a 128-bit counter and a 64-bit key. */
FT__PRIV void ft__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
/* One number in [0, 1) with 53 bits for (seed, row, variant, position). */
FT__PRIV double ft__random_unit(uint64_t seed, uint64_t row, uint64_t variant, uint32_t position);

/* ---- sha256: base/sha256.c (FIPS 180-4) */
typedef struct ft__sha256 {
    uint32_t state[8];
    uint64_t n_bytes;
    uint8_t block[64];
} ft__sha256;
FT__PRIV void ft__sha256_init(ft__sha256 *h);
FT__PRIV void ft__sha256_add(ft__sha256 *h, const void *bytes, size_t n);
FT__PRIV void ft__sha256_end(ft__sha256 *h, uint8_t digest[32]);
FT__PRIV void ft__sha256_hex(const void *bytes, size_t n, char hex[65]);
FT__PRIV void ft__hex(const uint8_t *bytes, size_t n, char *hex); /* 2 n digits and NUL */

/* ---- file: base/file.c */
typedef struct ft__mapping {
    const uint8_t *data; /* NULL for an empty file */
    size_t size;
} ft__mapping;
FT__PRIV ft_status ft__map_file(const char *path, ft__mapping *m, ft_error *err);
FT__PRIV void ft__unmap(ft__mapping *m);
/* These bytes of a mapping will hardly be read again: their pages need not stay in this process. */
FT__PRIV void ft__map_forget(const uint8_t *data, size_t size);
/* This memory will be read from end to end, often: large pages help. */
FT__PRIV void ft__want_large_pages(void *memory, size_t size);
/* The whole file and a NUL after it; the caller frees *data with ft__free. */
FT__PRIV ft_status ft__read_file(const char *path, const ft_allocator *a, char **data, size_t *size,
                                 ft_error *err);

/* A file that appears under its name only once it is whole: written beside it, synced, renamed. */
typedef struct ft__writer {
    ft_allocator allocator;
    char *path, *temporary;
    int fd;
    char buffer[4096];
    size_t n_buffered;
} ft__writer;
FT__PRIV ft_status ft__writer_open(ft__writer *w, const char *path, const ft_allocator *a,
                                   ft_error *err);
FT__PRIV ft_status ft__writer_add(ft__writer *w, const void *bytes, size_t n, ft_error *err);
FT__PRIV ft_status ft__writer_commit(ft__writer *w, ft_error *err);
FT__PRIV void ft__writer_abort(ft__writer *w); /* after any failure, or instead of commit */
FT__PRIV ft_status ft__write_file(const char *path, const void *bytes, size_t n,
                                  const ft_allocator *a, ft_error *err); /* all four in one */
FT__PRIV ft_status ft__make_dirs(const char *path, const ft_allocator *a, ft_error *err);
FT__PRIV ft_status ft__remove_file(const char *path, ft_error *err); /* absent is fine */
/* `path` seen from the folder of the file `from`; absolute paths stay.  In the arena. */
FT__PRIV char *ft__path_beside(ft__arena *arena, const char *from, const char *path);
FT__PRIV char *ft__path_join(ft__arena *arena, const char *folder, const char *name);
FT__PRIV bool ft__is_folder(const char *path);
/* Would writing `out` (under its helper name first) overwrite the input or, of a folder, a file in it? */
FT__PRIV bool ft__would_replace(const char *out, const char *input);
FT__PRIV bool ft__same_file(const char *a, const char *b); /* both are there; a may be NULL */
FT__PRIV double ft__seconds(void); /* monotonic */

/* ---- thread: base/thread.c */

/* Threads that share out the parts of one job at a time: fn(user, part) for part 0..n_parts-1, each
   once, in any order, on any thread.  The caller works too.  Parts must not depend on each other. */
typedef struct ft__pool ft__pool;
FT__PRIV ft__pool *ft__pool_create(int n_threads, const ft_allocator *a, ft_error *err);
FT__PRIV void ft__pool_free(ft__pool *pool);
FT__PRIV int ft__pool_size(const ft__pool *pool);
FT__PRIV void ft__pool_run(ft__pool *pool, void (*fn)(void *user, int part), void *user, int n_parts);

/* ---- cpu: base/cpu.c */
typedef enum ft__isa {
    FT__ISA_SCALAR, FT__ISA_AVX2, FT__ISA_AVX512, /* within a family: the better one later */
    FT__ISA_NEON, FT__ISA_DOTPROD, FT__ISA_COUNT
} ft__isa;
FT__PRIV const char *ft__isa_name(ft__isa isa);
/* The best path for this machine, or the one that FT_ISA names; an unknown or impossible name is an
   error rather than a silent change of speed. */
FT__PRIV ft_status ft__isa_choose(ft__isa *isa, ft_error *err);
FT__PRIV int ft__cpu_count(void);
/* Fails if the host program changed the rounding mode or flushes subnormals, or if the compiler
   fused a product and a sum. */
FT__PRIV ft_status ft__check_float_mode(ft_error *err);

#endif /* FT__BASE_H */
