/* Floor 2: numbers.  The formats that weights are stored in, and the kernels that work on them. */
#ifndef FT__NUM_H
#define FT__NUM_H

#include "../io/io.h"

/* ---- quant: num/quant.c.  The table of tensor formats, one row each. */

/* Tensor type ids of the container, for the formats that ft reads the values of. */
enum {
    FT__FORMAT_F32 = 0, FT__FORMAT_F16 = 1, FT__FORMAT_Q4_0 = 2, FT__FORMAT_Q8_0 = 8,
    FT__FORMAT_Q6_K = 14, FT__FORMAT_BF16 = 30
};

/* n counts elements and is a multiple of n_elements; blocks need no alignment. */
typedef struct ft__format {
    uint32_t id;
    const char *name;     /* "Q4_0" */
    uint32_t n_elements;  /* per block, along the row */
    uint32_t n_bytes;     /* per block */
    void (*decode)(const void *blocks, size_t n, float *out); /* NULL: only the size is known */
    void (*encode)(const float *in, size_t n, void *blocks);  /* NULL: none */
} ft__format;
FT__PRIV const ft__format *ft__format_find(uint32_t id); /* NULL: unknown */

/* ---- kernels: num/kern_scalar.c is the reference; its twins per instruction set give the same bits;
   num/kernels.c fills the table. */

enum {
    FT__BLOCK = 32,        /* inputs that share one activation scale */
    FT__CHUNK = 512,       /* inputs whose blocks go into one accumulator */
    FT__PARTIALS = 64,     /* partial sums of a float reduction */
    FT__TILE = 64,         /* keys per attention tile, and per page of the cache */
    FT__SPAN = 1024,       /* positions per separately normalised stretch of attention */
    FT__FORMATS = 64       /* ids of the format table are below this */
};

/* Activations of a batch, row-major.  Quantised weights take the int8 form, float weights the floats. */
typedef struct ft__acts {
    int n_tokens, n_cols;
    const float *x;     /* (n_tokens, n_cols) */
    const int8_t *q;    /* (n_tokens, n_cols), or NULL where no weight needs it */
    const float *scale; /* (n_tokens, n_cols / 32) */
} ft__acts;

/* Rows of weights times all tokens: out[t * ld + r], r < n_rows. */
typedef void ft__rows_fn(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                         float *out, size_t ld);

typedef struct ft__kernels {
    ft__isa isa;
    ft__rows_fn *rows[FT__FORMATS]; /* by format id; NULL: weights of that format cannot run */
    /* x (n), n a multiple of 32, to int8 and a scale per block */
    void (*quantize)(const float *x, int n, int8_t *q, float *scale);
    float (*sum_squares)(const float *x, int n);
    /* s[j] = scale * sum over d of q[d] k[d][j]; k is (head_dim, 64), F32 or F16 */
    void (*scores_f32)(const float *q, const void *k, int head_dim, float scale, float s[64]);
    void (*scores_f16)(const float *q, const void *k, int head_dim, float scale, float s[64]);
    /* s[j] = exp(s[j] - max) for lo <= j < hi, else 0; returns their sum */
    float (*softmax)(float s[64], int lo, int hi, float max);
    /* o[d] = o[d] + p[j] v[j][d] for lo <= j < hi ascending; v is (64, head_dim) */
    void (*values_f32)(float *o, const float *p, const void *v, int lo, int hi, int head_dim);
    void (*values_f16)(float *o, const float *p, const void *v, int lo, int hi, int head_dim);
    void (*silu_mul)(float *gate, const float *up, int n); /* gate = silu(gate) * up */
} ft__kernels;
/* Fills the table for this machine, or for the path that FT_ISA names. */
FT__PRIV ft_status ft__kernels_choose(ft__kernels *k, ft_error *err);
/* Each puts its own functions into the table and leaves the rest as it is. */
FT__PRIV void ft__kernels_scalar(ft__kernels *k);
FT__PRIV void ft__kernels_avx2(ft__kernels *k);

/* ---- matmul: num/matmul.c */

/* A matrix of weights as the file has it: rows of outputs, columns of inputs. */
typedef struct ft__matrix {
    const ft__format *format; /* NULL: absent */
    const uint8_t *data;
    int n_rows, n_cols;
    size_t row_bytes;
} ft__matrix;

/* out[t * ld + r] = row r . token t (+ bias[r] if given), shared out over the pool by rows. */
FT__PRIV void ft__matmul(ft__pool *pool, const ft__kernels *k, const ft__matrix *w,
                         const float *bias, const ft__acts *a, float *out, size_t ld);
/* out = x / sqrt(mean(x^2) + eps) * weight, each (n); weight may be NULL. */
FT__PRIV void ft__rms_norm(const ft__kernels *k, const float *x, const float *weight, float eps,
                           int n, float *out);

/* ---- attention: num/attention.c */

/* A layer's shape, the same for all its tokens. */
typedef struct ft__attention {
    int n_heads, n_kv_heads, head_dim;
    float scale;
    bool f16;           /* type of keys and values in the pages */
    size_t page_offset; /* bytes from a page's start to this layer's first head */
} ft__attention;

/* Bytes of one head's keys and values in a page: keys (head_dim, 64), then values (64, head_dim). */
FT__PRIV size_t ft__attention_head_bytes(const ft__attention *a);
/* Puts one token's key and value (n_kv_heads, head_dim) at its position; false if F16 cannot hold one. */
FT__PRIV bool ft__attention_store(const ft__attention *a, uint8_t *const *pages, int position,
                                  const float *k, const float *v);
/* Output of the query heads that share KV head `kv_head`: q and out are (n_heads, head_dim) of the token
   at `position`, which sees positions 0..position. */
FT__PRIV void ft__attend(const ft__kernels *k, const ft__attention *a, uint8_t *const *pages,
                         int position, int kv_head, const float *q, float *out);

#endif /* FT__NUM_H */
