/* Weights times activations over several threads: each part is some rows for all tokens, so threads divide
   outputs and never a sum. */
#include "num.h"

enum { FT__MATMUL_SMALL = 1 << 16 }; /* multiplications below which waking threads costs more */

typedef struct ft__matmul_job {
    const ft__kernels *k;
    const ft__matrix *w;
    const float *bias;
    const ft__acts *a;
    float *out;
    size_t ld;
    int rows_per_part;
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
    const ft__matmul_job *job = (const ft__matmul_job *)user;
    const ft__matrix *w = job->w;
    const int first = part * job->rows_per_part;
    const int n = w->n_rows - first < job->rows_per_part ? w->n_rows - first : job->rows_per_part;
    float *out = job->out + first;
    if (w->packed) ft__matmul_packed(job, first, n);
    else job->k->rows[w->format->id](w->data + (size_t)first * w->row_bytes, w->row_bytes, n, job->a, out, job->ld);
    if (!job->bias) return;
    for (int t = 0; t < job->a->n_tokens; t++)
        for (int r = 0; r < n; r++) out[(size_t)t * job->ld + (size_t)r] += job->bias[first + r];
}

FT__PRIV void ft__matmul(ft__pool *pool, const ft__kernels *k, const ft__matrix *w,
                         const float *bias, const ft__acts *a, float *out, size_t ld) {
    ft__matmul_job job = {k, w, bias, a, out, ld, w->n_rows};
    double products = (double)w->n_rows * w->n_cols * a->n_tokens;
    int n_parts = 1;
    if (products > (double)FT__MATMUL_SMALL && ft__pool_size(pool) > 1) {
        const int wanted = 4 * ft__pool_size(pool), pair = 2 * FT__LANES; /* some slack for uneven threads */
        job.rows_per_part = ((w->n_rows + wanted - 1) / wanted + pair - 1) / pair * pair;
        n_parts = (w->n_rows + job.rows_per_part - 1) / job.rows_per_part;
    }
    ft__pool_run(pool, ft__matmul_part, &job, n_parts);
}

typedef struct ft__low_rank_job {
    const ft__kernels *k;
    const float *b, *low;
    float *out;
    float factor;
    int rank, n_out, n_tokens, tokens_per_part;
} ft__low_rank_job;

static void ft__low_rank_part(void *user, int part) {
    const ft__low_rank_job *j = (const ft__low_rank_job *)user;
    const int first = part * j->tokens_per_part;
    const int n = j->n_tokens - first < j->tokens_per_part ? j->n_tokens - first : j->tokens_per_part;
    j->k->low_rank(j->b, j->rank, j->n_out, j->low + (size_t)first * (size_t)j->rank, n, j->factor,
                   j->out + (size_t)first * (size_t)j->n_out, (size_t)j->n_out);
}

FT__PRIV void ft__low_rank(ft__pool *pool, const ft__kernels *k, const float *b, int rank, int n_out,
                           const float *low, int n_tokens, float factor, float *out) {
    ft__low_rank_job job = {k, b, low, out, factor, rank, n_out, n_tokens, n_tokens};
    double products = (double)rank * n_out * n_tokens;
    if (products > (double)FT__MATMUL_SMALL)
        job.tokens_per_part = (n_tokens + ft__pool_size(pool) - 1) / ft__pool_size(pool);
    ft__pool_run(pool, ft__low_rank_part, &job, (n_tokens + job.tokens_per_part - 1) / job.tokens_per_part);
}

FT__PRIV void ft__acts_tile(const int8_t *q, const float *scale, int n_cols, int first, int n,
                            uint8_t *tiles) {
    const int n_blocks = n_cols / FT__BLOCK;
    uint8_t *at = tiles + (size_t)first * (size_t)n_blocks * FT__TILE_TOKEN_BYTES;
    for (int b = 0; b < n_blocks; b++, at += n * FT__TILE_TOKEN_BYTES) {
        int32_t *words = (int32_t *)(void *)at;
        float *floats = (float *)(void *)(words + 8 * n);
        int32_t *start = words + 10 * n;
        for (int t = 0; t < n; t++) {
            const int8_t *from = q + (size_t)(first + t) * (size_t)n_cols + b * FT__BLOCK;
            int32_t low = 0, high = 0;
            for (int k = 0; k < 8; k++) memcpy(&words[k * n + t], from + 4 * k, 4);
            for (int i = 0; i < 16; i++) low += from[i], high += from[i + 16];
            floats[t] = scale[(size_t)(first + t) * (size_t)n_blocks + (size_t)b];
            floats[n + t] = (float)(low + high);
            start[t] = -8 * (low + high);
            start[n + t] = -8 * low;
            start[2 * n + t] = -8 * high;
        }
    }
}

FT__PRIV void ft__rms_norm(const ft__kernels *k, const float *x, const float *weight, float eps,
                           int n, float *out) {
    float mean = k->sum_squares(x, n) * (1.0f / (float)n);
    float factor = ft__rsqrtf(mean + eps);
    for (int i = 0; i < n; i++) out[i] = weight ? (x[i] * factor) * weight[i] : x[i] * factor;
}
