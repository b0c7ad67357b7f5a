/* Weights times activations over several threads: each part is some rows for all tokens, so threads divide
   outputs and never a sum. */
#include "num.h"

enum { FT__MATMUL_SMALL = 1 << 16 }; /* multiplications below which waking threads costs more */

/* Parts are rectangles: some rows for some tokens, row by row of rectangles. */
typedef struct ft__matmul_job {
    const ft__kernels *k;
    const ft__matrix *w;
    const float *bias;
    const ft__acts *a;
    float *out;
    size_t ld;
    int rows_per_part, tokens_per_part, row_parts;
} ft__matmul_job;

/* Packed kernels write all 16 rows of a group: where the matrix ends inside one, through a copy. */
static void ft__matmul_last_group(const ft__matmul_job *job, ft__packed_fn *fn, const uint8_t *group,
                                  size_t group_bytes, int first, int n) {
    float out[FT__TILE_TOKENS * FT__LANES];
    const size_t tile_bytes = (size_t)job->a->n_cols / FT__BLOCK * FT__TILE_TOKEN_BYTES;
    for (int t = 0; t < job->a->n_tokens; t += FT__TILE_TOKENS) {
        ft__acts some = *job->a;
        some.n_tokens = some.n_tokens - t < FT__TILE_TOKENS ? some.n_tokens - t : (int)FT__TILE_TOKENS;
        some.tiles += (size_t)t * tile_bytes;
        fn(group, group_bytes, 1, &some, out, FT__LANES);
        for (int i = 0; i < some.n_tokens; i++)
            memcpy(job->out + (size_t)(t + i) * job->ld + first, out + i * FT__LANES, (size_t)n * sizeof *out);
    }
}

static void ft__matmul_packed(const ft__matmul_job *job, int first, int n) {
    const ft__matrix *w = job->w;
    const size_t group_bytes = ft__pack_group_bytes(w);
    const uint8_t *at = w->packed + (size_t)(first / FT__LANES) * group_bytes;
    ft__packed_fn *fn = job->k->packed[w->format->id];
    const int whole = n / FT__LANES;
    fn(at, group_bytes, whole, job->a, job->out + first, job->ld);
    if (n % FT__LANES)
        ft__matmul_last_group(job, fn, at + (size_t)whole * group_bytes, group_bytes,
                              first + whole * FT__LANES, n % FT__LANES);
}

static void ft__matmul_part(void *user, int part) {
    ft__matmul_job job = *(const ft__matmul_job *)user;
    const ft__matrix *w = job.w;
    const int first = part % job.row_parts * job.rows_per_part, t = part / job.row_parts * job.tokens_per_part;
    const int n = w->n_rows - first < job.rows_per_part ? w->n_rows - first : job.rows_per_part;
    ft__acts a = *job.a; /* the tokens of this part */
    const size_t at = (size_t)t * (size_t)a.n_cols, at_block = at / FT__BLOCK;
    if (a.n_tokens - t < job.tokens_per_part) a.n_tokens -= t;
    else a.n_tokens = job.tokens_per_part;
    a.x += at;
    if (a.q) a.q += at, a.scale += at_block;
    if (a.tiles) a.tiles += at_block * FT__TILE_TOKEN_BYTES;
    job.a = &a;
    job.out += (size_t)t * job.ld;
    float *out = job.out + first;
    if (w->packed) ft__matmul_packed(&job, first, n);
    else job.k->rows[w->format->id](w->data + (size_t)first * w->row_bytes, w->row_bytes, n, &a, out, job.ld);
    if (!job.bias) return;
    for (int i = 0; i < a.n_tokens; i++) job.k->add(out + (size_t)i * job.ld, job.bias + first, n);
}

FT__PRIV void ft__matmul(ft__pool *pool, const ft__kernels *k, const ft__matrix *w,
                         const float *bias, const ft__acts *a, float *out, size_t ld) {
    ft__matmul_job job = {k, w, bias, a, out, ld, w->n_rows, a->n_tokens, 1};
    double products = (double)w->n_rows * w->n_cols * a->n_tokens;
    int token_parts = 1;
    if (products > (double)FT__MATMUL_SMALL && ft__pool_size(pool) > 1) {
        const int wanted = 4 * ft__pool_size(pool), pair = 2 * FT__LANES; /* some slack for uneven threads */
        job.rows_per_part = ((w->n_rows + wanted - 1) / wanted + pair - 1) / pair * pair;
        job.row_parts = (w->n_rows + job.rows_per_part - 1) / job.rows_per_part;
        if (job.row_parts < wanted / 2) token_parts = wanted / job.row_parts; /* few rows: an adapter's */
        job.tokens_per_part = (a->n_tokens + token_parts - 1) / token_parts;
        job.tokens_per_part = (job.tokens_per_part + FT__TILE_TOKENS - 1) / FT__TILE_TOKENS * FT__TILE_TOKENS;
        token_parts = (a->n_tokens + job.tokens_per_part - 1) / job.tokens_per_part;
    }
    ft__pool_run(pool, ft__matmul_part, &job, job.row_parts * token_parts);
}

typedef struct ft__low_rank_job {
    const ft__kernels *k;
    const float *b, *low;
    float *out;
    float factor;
    size_t ld;
    int rank, n_out, n_tokens, tokens_per_part;
} ft__low_rank_job;

static void ft__low_rank_part(void *user, int part) {
    const ft__low_rank_job *j = (const ft__low_rank_job *)user;
    const int first = part * j->tokens_per_part;
    const int n = j->n_tokens - first < j->tokens_per_part ? j->n_tokens - first : j->tokens_per_part;
    j->k->low_rank(j->b, j->rank, j->n_out, j->low + (size_t)first * (size_t)j->rank, n, j->factor,
                   j->out + (size_t)first * j->ld, j->ld);
}

FT__PRIV void ft__low_rank(ft__pool *pool, const ft__kernels *k, const float *b, int rank, int n_out,
                           const float *low, int n_tokens, float factor, float *out, size_t ld) {
    ft__low_rank_job job = {k, b, low, out, factor, ld, rank, n_out, n_tokens, n_tokens};
    double products = (double)rank * n_out * n_tokens;
    if (products > (double)FT__MATMUL_SMALL)
        job.tokens_per_part = (n_tokens + ft__pool_size(pool) - 1) / ft__pool_size(pool);
    ft__pool_run(pool, ft__low_rank_part, &job, (n_tokens + job.tokens_per_part - 1) / job.tokens_per_part);
}

FT__PRIV void ft__rms_norm(const ft__kernels *k, const float *x, const float *weight, float eps,
                           int n, float *out) {
    float mean = k->sum_squares(x, n) * (1.0f / (float)n);
    float factor = ft__rsqrtf(mean + eps);
    k->scale(out, x, factor, weight, n);
}
