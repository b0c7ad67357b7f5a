/* Floor 2: numbers.  The formats that weights are stored in, and the kernels that work on them. */
#ifndef FT__NUM_H
#define FT__NUM_H

#include "../io/io.h"

/* ---- quant: num/quant.c.  The table of tensor formats, one row each. */

/* Tensor type ids of the container, for the formats that ft reads the values of. */
enum {
    FT__FORMAT_F32 = 0, FT__FORMAT_F16 = 1, FT__FORMAT_Q4_0 = 2, FT__FORMAT_Q8_0 = 8,
    FT__FORMAT_Q4_K = 12, FT__FORMAT_Q6_K = 14, FT__FORMAT_BF16 = 30
};

/* Layouts of packed weights, see pack.c.  Four formats have one of their own and their id is its number; all
   others share these, whose codes are int8. */
enum {
    FT__WIDE = 100,     /* 9 bits a weight: a float scale per 32 inputs */
    FT__WIDE_MIN,       /* 10.5: with a minimum, and integer factors of it per 16 inputs */
    FT__WIDE_FACTORS,   /* 9.5: integer factors per 16 inputs */
    FT__WIDE_HALVES     /* 10: a float scale per 16 inputs */
};

/* 32 neighbours of a row as integers.  In half h = i / 16 of them, element i is
   scale[h] * factor[h] * code[i] - min * min_factor[h]; the scales are equal but in FT__WIDE_HALVES. */
typedef struct ft__unpacked {
    int8_t code[32];
    float scale[2], min;
    int8_t factor[2], min_factor[2];
} ft__unpacked;

/* n counts elements and is a multiple of n_elements; blocks need no alignment. */
typedef struct ft__format {
    uint32_t id;
    const char *name;     /* "Q4_0" */
    uint32_t n_elements;  /* per block, along the row */
    uint32_t n_bytes;     /* per block */
    void (*decode)(const void *blocks, size_t n, float *out); /* NULL: only the size is known */
    void (*encode)(const float *in, size_t n, void *blocks);  /* NULL: none */
    int layout;           /* packed; 0: none */
    void (*unpack)(const uint8_t *row, int b, ft__unpacked *to); /* 32 elements from 32 b; NULL: own layout */
} ft__format;
FT__PRIV const ft__format *ft__format_find(uint32_t id); /* NULL: unknown */

/* ---- unpack: num/unpack.c.  The formats that are computed with by way of their integers: name and id. */
#define FT__UNPACKED(X)                                                                                      \
    X(q4_1, 3) X(q5_0, 6) X(q5_1, 7) X(q2_k, 10) X(q3_k, 11) X(q5_k, 13) X(iq2_xxs, 16) X(iq2_xs, 17)       \
    X(iq3_xxs, 18) X(iq1_s, 19) X(iq4_nl, 20) X(iq3_s, 21) X(iq2_s, 22) X(iq4_xs, 23) X(iq1_m, 29)           \
    X(tq1_0, 34) X(tq2_0, 35) X(mxfp4, 39) X(nvfp4, 40) X(q1_0, 41) X(q2_0, 42)
#define FT__UNPACK_FN(name, id) FT__PRIV void ft__unpack_##name(const uint8_t *row, int b, ft__unpacked *to);
FT__UNPACKED(FT__UNPACK_FN)
#undef FT__UNPACK_FN
FT__PRIV const int8_t *ft__unpack_iq4_levels(void);   /* what the 16 codes of IQ4_NL and IQ4_XS stand for */
FT__PRIV const int8_t *ft__unpack_mxfp4_levels(void); /* the same of MXFP4 and NVFP4, doubled */

/* ---- encode: num/encode.c.  Encoders that search for the smallest square error. */
FT__PRIV void ft__encode_q4_1(const float *in, size_t n, void *blocks);
FT__PRIV void ft__encode_q5_0(const float *in, size_t n, void *blocks);
FT__PRIV void ft__encode_q5_1(const float *in, size_t n, void *blocks);
FT__PRIV void ft__encode_q2_k(const float *in, size_t n, void *blocks);
FT__PRIV void ft__encode_q3_k(const float *in, size_t n, void *blocks);
FT__PRIV void ft__encode_q4_k(const float *in, size_t n, void *blocks);
FT__PRIV void ft__encode_q5_k(const float *in, size_t n, void *blocks);
FT__PRIV void ft__encode_q6_k(const float *in, size_t n, void *blocks);
FT__PRIV void ft__encode_iq4_nl(const float *in, size_t n, void *blocks);
FT__PRIV void ft__encode_iq4_xs(const float *in, size_t n, void *blocks);
FT__PRIV void ft__encode_mxfp4(const float *in, size_t n, void *blocks);

/* ---- kernels: num/kern_scalar.c is the reference; its twins per instruction set give the same bits;
   num/kernels.c fills the table. */

enum {
    FT__BLOCK = 32,        /* inputs that share one activation scale */
    FT__CHUNK = 512,       /* inputs whose blocks go into one accumulator */
    FT__PARTIALS = 64,     /* partial sums of a float reduction */
    FT__TILE = 64,         /* keys per attention tile, and per page of the cache */
    FT__SPAN = 1024,       /* positions per separately normalised stretch of attention */
    FT__FORMATS = 64,      /* ids of the format table are below this */
    FT__LANES = 16,        /* rows that packed weights interleave */
    FT__TILE_TOKENS = 6,   /* tokens whose activations packed weights meet together */
    FT__TILE_TOKEN_BYTES = 52 /* of a token in a block of such a tile */
};

/* Activations of a batch, row-major.  Float weights take the floats.  Quantised weights take the int8
   form: as rows where they lie as in the file, as tiles where they are packed.

   A tile holds n_t = 6 tokens (the last one what is left), block after block; per block
       int32 q[8][n_t]        quads of int8 inputs
       float scale[n_t]
       float sum[n_t]         of the int8 inputs
       int32 start[3][n_t]    -8 times the sum over all 32, the first 16, the last 16 */
typedef struct ft__acts {
    int n_tokens, n_cols;
    const float *x;       /* (n_tokens, n_cols) */
    const int8_t *q;      /* (n_tokens, n_cols), or NULL where no weight needs it */
    const float *scale;   /* (n_tokens, n_cols / 32) */
    const uint8_t *tiles; /* or NULL */
} ft__acts;

/* Rows of weights times all tokens: out[t * ld + r], r < n_rows. */
typedef void ft__rows_fn(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                         float *out, size_t ld);
/* The same for groups of 16 packed rows: writes 16 * n_groups outputs per token. */
typedef void ft__packed_fn(const uint8_t *w, size_t group_bytes, int n_groups, const ft__acts *a,
                           float *out, size_t ld);

typedef struct ft__kernels {
    ft__isa isa;
    ft__rows_fn *rows[FT__FORMATS];     /* by format id; NULL: weights of that format cannot run */
    ft__packed_fn *packed[FT__FORMATS]; /* NULL: they stay as the file has them */
    /* x (n), n a multiple of 32, to int8 and a scale per block */
    void (*quantize)(const float *x, int n, int8_t *q, float *scale);
    /* a tile of n tokens from their rows: q (n, n_cols), scale (n, n_cols / 32); see ft__acts */
    void (*tile)(const int8_t *q, const float *scale, int n_cols, int n, uint8_t *tile);
    float (*sum_squares)(const float *x, int n);
    void (*add)(float *x, const float *y, int n);                                     /* x += y */
    void (*scale)(float *out, const float *x, float factor, const float *weight, int n); /* (x factor) weight,
                                                                           or x factor if weight is NULL */
    /* neighbouring pairs (a, b) -> (a cos - b sin, a sin + b cos); cs: cos, sin by turns; n even */
    void (*rope)(float *x, const float *cs, int n);
    float (*max)(const float *x, int n, float max); /* the largest of n numbers and max */
    /* out[t * ld + r] += factor * sum over k of low[t][k] b[k][r]; b (rank, n_out), low (n_tokens, rank) */
    void (*low_rank)(const float *b, int rank, int n_out, const float *low, int n_tokens, float factor,
                     float *out, size_t ld);
    /* s[h][j] = scale * sum over d of q[h][d] k[d][j]; q (n_q, head_dim), k (head_dim, 64), s (n_q, 64) */
    void (*scores)(const float *q, int n_q, const float *k, int head_dim, float scale, float *s);
    /* s[j] = exp(s[j] - max) for lo <= j < hi, else 0; returns their sum */
    float (*softmax)(float s[64], int lo, int hi, float max);
    /* o[h][d] = o[h][d] + p[h][j] v[j][d] for lo <= j < hi ascending; o (n_q, head_dim), v (64, head_dim) */
    void (*values)(float *o, int n_q, const float *p, const float *v, int lo, int hi, int head_dim);
    void (*widen)(const uint16_t *half, float *out, int n); /* F16 to F32 */
    void (*silu_mul)(float *gate, const float *up, int n); /* gate = silu(gate) * up */
} ft__kernels;
/* Fills the table for this machine, or for the path that FT_ISA names. */
FT__PRIV ft_status ft__kernels_choose(ft__kernels *k, ft_error *err);
/* Each puts its own functions into the table and leaves the rest as it is. */
FT__PRIV void ft__kernels_scalar(ft__kernels *k);
FT__PRIV void ft__kernels_avx2(ft__kernels *k);
FT__PRIV void ft__kernels_avx512(ft__kernels *k);
FT__PRIV void ft__kernels_neon(ft__kernels *k);
FT__PRIV void ft__kernels_dotprod(ft__kernels *k);
/* Enters the kernels of FT__WIDE, _MIN, _FACTORS and _HALVES for all formats that have these layouts. */
FT__PRIV void ft__kernels_wide(ft__kernels *k, ft__packed_fn *const wide[4]);

/* ---- matmul: num/matmul.c */

/* A matrix of weights: rows of outputs, columns of inputs. */
typedef struct ft__matrix {
    const ft__format *format; /* NULL: absent */
    const uint8_t *data;      /* as the file has it */
    const uint8_t *packed;    /* as pack.c lays it out, or NULL */
    int n_rows, n_cols;
    size_t row_bytes;
} ft__matrix;

/* out[t * ld + r] = row r . token t (+ bias[r] if given), shared out over the pool by rows. */
FT__PRIV void ft__matmul(ft__pool *pool, const ft__kernels *k, const ft__matrix *w,
                         const float *bias, const ft__acts *a, float *out, size_t ld);
/* kernels.low_rank with the tokens shared out over the pool. */
FT__PRIV void ft__low_rank(ft__pool *pool, const ft__kernels *k, const float *b, int rank, int n_out,
                           const float *low, int n_tokens, float factor, float *out, size_t ld);
/* out = x / sqrt(mean(x^2) + eps) * weight, each (n); weight may be NULL. */
FT__PRIV void ft__rms_norm(const ft__kernels *k, const float *x, const float *weight, float eps,
                           int n, float *out);

/* ---- pack: num/pack.c */

/* Bytes of a group of 16 rows per block of 32 inputs: of codes, and of scales.  Inline, because the kernels
   know the layout when they are compiled. */
static inline bool ft__pack_is_int8(int layout) { return layout == FT__FORMAT_Q8_0 || layout >= FT__WIDE; }
static inline size_t ft__pack_code_bytes(int layout) {
    return ft__pack_is_int8(layout) ? 512 : layout == FT__FORMAT_Q6_K ? 384 : 256;
}
static inline size_t ft__pack_scale_bytes(int layout) {
    if (layout >= FT__WIDE_HALVES) return 128;
    if (layout >= FT__WIDE) return layout == FT__WIDE ? 64 : layout == FT__WIDE_MIN ? 160 : 96;
    return layout == FT__FORMAT_Q4_K ? 40 : layout == FT__FORMAT_Q6_K ? 36 : 32;
}

/* Bytes of 16 rows in the packed layout; 0 if the format has none. */
FT__PRIV size_t ft__pack_group_bytes(const ft__matrix *w);
/* Packs all rows into out: (n_rows / 16, rounded up) groups, 64-byte aligned. */
FT__PRIV void ft__pack(ft__pool *pool, const ft__matrix *w, uint8_t *out);

/* ---- attention: num/attention.c */

enum { FT__ATTENTION_TOKENS = 16 }; /* tokens that meet a tile together */

/* A layer's shape, the same for all its tokens. */
typedef struct ft__attention {
    int n_heads, n_kv_heads, head_dim;
    float scale;
    ft_kv_type type;    /* of keys and values in the pages */
    size_t page_offset; /* bytes from a page's start to this layer's first head */
    int window;         /* positions that a token sees, itself included; 0 = all */
    int chunk;          /* or: it sees those of its own stretch of so many; 0 = all */
    float soft_cap;     /* scores become cap tanh(score / cap); 0 = none */
    const float *sinks; /* (n_heads) a score that takes weight and has no value, or NULL */
} ft__attention;

/* Bytes of one head's keys and values in a page: keys (head_dim, 64), then values (64, head_dim); Q8_0 has
   float scales behind each: (groups, 64) of the keys, (64, groups) of the values. */
FT__PRIV size_t ft__attention_head_bytes(const ft__attention *a);
/* Floats that one thread needs for ft__attend. */
FT__PRIV size_t ft__attention_scratch(const ft__attention *a);
/* Puts one token's key and value (n_kv_heads, head_dim) at its position; false if the type cannot
   hold one. */
FT__PRIV bool ft__attention_store(const ft__attention *a, uint8_t *const *pages, int position,
                                  const float *k, const float *v);
/* Output of the query heads that share KV head `kv_head`, for n (<= 16) tokens of one sequence at
   positions first .. first + n - 1; q and out are (n, n_heads, head_dim).  A token sees the positions up to
   its own, as far back as the window or its stretch reaches. */
FT__PRIV void ft__attend(const ft__kernels *k, const ft__attention *a, uint8_t *const *pages, int first,
                         int n, int kv_head, const float *q, float *out, float *scratch);

#endif /* FT__NUM_H */
