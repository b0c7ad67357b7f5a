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

static void ft__matmul_part(void *user, int part) {
    const ft__matmul_job *job = (const ft__matmul_job *)user;
    const ft__matrix *w = job->w;
    int first = part * job->rows_per_part, n = w->n_rows - first;
    if (n > job->rows_per_part) n = job->rows_per_part;
    float *out = job->out + first;
    job->k->rows[w->format->id](w->data + (size_t)first * w->row_bytes, w->row_bytes, n, job->a, out,
                                job->ld);
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
        int wanted = 4 * ft__pool_size(pool); /* some slack for uneven threads */
        job.rows_per_part = ((w->n_rows + wanted - 1) / wanted + 7) / 8 * 8;
        n_parts = (w->n_rows + job.rows_per_part - 1) / job.rows_per_part;
    }
    ft__pool_run(pool, ft__matmul_part, &job, n_parts);
}

FT__PRIV void ft__rms_norm(const ft__kernels *k, const float *x, const float *weight, float eps,
                           int n, float *out) {
    float mean = k->sum_squares(x, n) * (1.0f / (float)n);
    float factor = ft__rsqrtf(mean + eps);
    for (int i = 0; i < n; i++) out[i] = weight ? (x[i] * factor) * weight[i] : x[i] * factor;
}
