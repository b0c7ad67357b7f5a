/* How large an adapter's changes are, as Frobenius norms.

   |BA|^2 is tr((A A^T) (B^T B)): through the small matrix G = A A^T it takes rank^2 products for each row of the
   two factors, and BA itself, as large as the weight, is never made.  What is no plain product (DoRA, another
   tensor in the weight's place) is compared with the weight row by row.  Sums are float64 in one order, so the
   numbers are the same for any number of threads. */
#include "info.h"

enum { FT__INFO_MAX_RANK = 2048 }; /* of what norms are computed: G takes rank^2 doubles */

typedef struct ft__info_work {
    ft__info_adapter *a;
    int failed; /* atomic: out of memory */
} ft__info_work;

static double ft__info_nan(void) { return (double)ft__float_of(0x7fc00000u); }

static const uint8_t *ft__info_row(const uint8_t *data, const ft__format *f, uint64_t n_cols, uint64_t row) {
    return data + (size_t)row * ((size_t)n_cols / f->n_elements * f->n_bytes);
}

/* All of expert e's factor as floats; NULL: out of memory. */
static float *ft__info_slice(const ft_allocator *a, const ft__info_part *p, uint64_t e) {
    const uint64_t n_rows = p->ne[1];
    size_t n;
    if (!ft__mul_size((size_t)p->ne[0], (size_t)n_rows, &n)) return NULL;
    float *values = (float *)ft__alloc_zero(a, n, sizeof *values);
    if (values) p->format->decode(ft__info_row(p->data, p->format, p->ne[0], e * n_rows), n, values);
    return values;
}

/* G = sum of v v^T over the n columns v of a (rank, n); `turned`: over the rows of (n, rank). */
static void ft__info_gram(const float *a, size_t rank, size_t n, bool turned, double *v, double *g) {
    memset(g, 0, rank * rank * sizeof *g);
    for (size_t c = 0; c < n; c++) {
        for (size_t r = 0; r < rank; r++) v[r] = (double)(turned ? a[c * rank + r] : a[r * n + c]);
        for (size_t r = 0; r < rank; r++)
            for (size_t s = 0; s < rank; s++) g[r * rank + s] += v[r] * v[s];
    }
}

/* Sum of b G b^T over the rows b of (n, rank). */
static double ft__info_product(const float *b, size_t rank, size_t n, const double *g, double *v) {
    double sum = 0;
    for (size_t c = 0; c < n; c++, b += rank) {
        memset(v, 0, rank * sizeof *v);
        for (size_t r = 0; r < rank; r++)
            for (size_t s = 0; s < rank; s++) v[s] += (double)b[r] * g[r * rank + s];
        for (size_t s = 0; s < rank; s++) sum += v[s] * (double)b[s];
    }
    return sum;
}

/* |BA|, over all experts.  False: out of memory. */
static bool ft__info_norm(const ft_allocator *m, const ft__info_change *c, double *norm) {
    const ft__info_part *a = c->part[FT__INFO_A], *b = c->part[FT__INFO_B];
    const size_t rank = (size_t)c->rank, n_in = (size_t)a->ne[c->embedding ? 1 : 0];
    double *g = (double *)ft__alloc_zero(m, (rank + 1) * rank, sizeof *g), sum = 0;
    bool ok = g != NULL;
    for (uint64_t e = 0; e < a->ne[2] && ok; e++) {
        float *x = ft__info_slice(m, a, e), *y = ft__info_slice(m, b, e);
        ok = x && y;
        if (ok) ft__info_gram(x, rank, n_in, c->embedding, g + rank * rank, g);
        if (ok) sum += ft__info_product(y, rank, (size_t)b->ne[1], g, g + rank * rank);
        ft__free(m, x);
        ft__free(m, y);
    }
    ft__free(m, g);
    *norm = ok && ft__finite(sum) ? ft__sqrt(sum < 0 ? 0 : sum) : ft__info_nan();
    return ok;
}

/* ---- row by row */

/* One row of a change: what it is made of. */
typedef struct ft__info_rows {
    const ft__info_change *c;
    const float *a, *b;  /* of the expert: (rank, n_in), (n_out, rank); DoRA alone */
    const float *gain;   /* (n_out) m */
    float *weight;       /* (n_in) */
    float *other;        /* (n_in) the tensor in its place */
    double *sum;         /* (n_in) */
} ft__info_rows;

/* DoRA: W' = m (W + s BA) / |W + s BA|, row by row.  Returns |W' - W|^2 of row o. */
static double ft__info_dora_row(const ft__info_rows *r, size_t o) {
    const size_t n = (size_t)r->c->weight->ne[0], rank = (size_t)r->c->rank;
    double length = 0, change = 0;
    for (size_t i = 0; i < n; i++) r->sum[i] = 0;
    for (size_t k = 0; k < rank; k++)
        for (size_t i = 0; i < n; i++) r->sum[i] += (double)r->b[o * rank + k] * (double)r->a[k * n + i];
    for (size_t i = 0; i < n; i++) {
        r->sum[i] = (double)r->weight[i] + r->c->scale * r->sum[i];
        length += r->sum[i] * r->sum[i];
    }
    const double gain = (double)r->gain[o] / ft__sqrt(length);
    for (size_t i = 0; i < n; i++) {
        const double d = gain * r->sum[i] - (double)r->weight[i];
        change += d * d;
    }
    return change;
}

/* |W' - W|^2 (where no product tells it) and |W|^2. */
static bool ft__info_compare_rows(const ft_allocator *m, const ft__info_change *c, double *change, double *weight) {
    const ft__gguf_tensor *t = c->weight;
    const ft__format *format = ft__format_find(t->type);
    const ft__info_part *whole = c->part[FT__INFO_WHOLE], *dora = c->part[FT__INFO_DORA];
    const size_t n = (size_t)t->ne[0], n_rows = (size_t)(t->ne[1] * t->ne[2] * t->ne[3]);
    ft__info_rows r = {c, NULL, NULL, NULL, NULL, NULL, NULL};
    float *a = dora ? ft__info_slice(m, c->part[FT__INFO_A], 0) : NULL;
    float *b = dora ? ft__info_slice(m, c->part[FT__INFO_B], 0) : NULL;
    float *gain = dora ? ft__info_slice(m, dora, 0) : NULL;
    r.weight = (float *)ft__alloc_zero(m, n, sizeof *r.weight);
    r.other = (float *)ft__alloc_zero(m, n, sizeof *r.other);
    r.sum = (double *)ft__alloc_zero(m, n, sizeof *r.sum);
    r.a = a, r.b = b, r.gain = gain;
    const bool ok = r.weight && r.other && r.sum && (!dora || (a && b && gain));
    *change = *weight = 0;
    for (size_t o = 0; o < n_rows && ok; o++) {
        format->decode(ft__info_row(t->data, format, t->ne[0], o), n, r.weight);
        for (size_t i = 0; i < n; i++) *weight += (double)r.weight[i] * (double)r.weight[i];
        if (dora) *change += ft__info_dora_row(&r, o);
        if (whole) whole->format->decode(ft__info_row(whole->data, whole->format, t->ne[0], o), n, r.other);
        for (size_t i = 0; whole && i < n; i++) {
            const double d = (double)r.other[i] - (double)r.weight[i];
            *change += d * d;
        }
    }
    ft__free(m, a);
    ft__free(m, b);
    ft__free(m, gain);
    ft__free(m, r.weight);
    ft__free(m, r.other);
    ft__free(m, r.sum);
    return ok;
}

static bool ft__info_can(const ft__info_part *p) { return p && p->format && p->format->decode; }

static void ft__info_norm_of(void *user, int n) {
    ft__info_work *work = (ft__info_work *)user;
    const ft_allocator *m = &work->a->allocator;
    ft__info_change *c = &work->a->changes[n];
    const ft__info_part *dora = c->part[FT__INFO_DORA], *whole = c->part[FT__INFO_WHOLE];
    const bool factors = ft__info_can(c->part[FT__INFO_A]) && ft__info_can(c->part[FT__INFO_B]) &&
                         c->part[FT__INFO_B]->ne[0] == c->rank;
    double norm = ft__info_nan(), change, weight;
    bool ok = true;
    if (c->problem) return;
    if (factors && c->rank <= FT__INFO_MAX_RANK && !c->part[FT__INFO_VERA]) ok = ft__info_norm(m, c, &norm);
    c->norm = norm * (c->scale < 0 ? -c->scale : c->scale);
    const bool fits = dora && c->weight && c->weight->ne[2] * c->weight->ne[3] == 1 &&
                      dora->n_params == c->weight->ne[1];
    const bool rows = dora ? factors && fits && ft__info_can(dora) && !c->embedding : whole != NULL;
    if (dora) c->norm = ft__info_nan(); /* of BA alone it would say little */
    if (ok && c->weight && ft__format_find(c->weight->type)->decode && (rows ? !whole || ft__info_can(whole)
                                                                             : ft__finite(c->norm))) {
        ok = ft__info_compare_rows(m, c, &change, &weight);
        change = rows && ft__finite(change) ? ft__sqrt(change) : rows ? ft__info_nan() : c->norm;
        if (rows) c->norm = change;
        c->relative = weight > 0 && ft__finite(weight) ? change / ft__sqrt(weight) : ft__info_nan();
    }
    if (!ok) __atomic_store_n(&work->failed, 1, __ATOMIC_RELAXED);
}

FT__PRIV ft_status ft__info_norms(ft__info_adapter *a, ft_error *err) {
    ft__info_work work = {a, 0};
    ft__pool *pool = ft__pool_create(ft__cpu_count(), &a->allocator, err);
    if (!pool) return err ? err->code : FT_ERR_THREAD;
    ft__pool_run(pool, ft__info_norm_of, &work, (int)a->n_changes);
    ft__pool_free(pool);
    return work.failed ? ft__fail_memory(err) : FT_OK;
}
