/* Products of matrices.  The right matrix is laid out in panels as wide as the kernel's tile; then a band of
   rows of the left one at a time goes along them, tile after tile.  The inner dimension goes in blocks
   that fit the first cache; a tile's sums go on where the last block left them, so that neither blocks nor
   threads show in the bits. */
#include "train.h"

enum { BLOCK = 256 }; /* of the inner dimension */

size_t train_packed_size(int n, int k) { return (size_t)(n + 31) / 32 * 32 * (size_t)k; }

/* Panel j of b: (k, tile_cols), with zeros beyond the last column. */
static void pack_b(const train_product *p, int j) {
    const int width = p->kernels->tile_cols, n = p->n - j * width < width ? p->n - j * width : width;
    const size_t W = (size_t)width, first_col = (size_t)j * W;
    float *out = p->packed + first_col * (size_t)p->k;
    for (int first = 0; first < p->k; first += BLOCK) { /* read by cache lines whichever way they run */
        const int end = first + BLOCK < p->k ? first + BLOCK : p->k;
        if (p->b.col == 1)
            for (int i = first; i < end; i++)
                memcpy(out + (size_t)i * W, p->b.data + (size_t)i * p->b.row + first_col, (size_t)n * sizeof *out);
        else
            for (int c = 0; c < n; c++) {
                const float *in = p->b.data + (first_col + (size_t)c) * p->b.col;
                for (int i = first; i < end; i++) out[(size_t)i * W + (size_t)c] = in[(size_t)i * p->b.row];
            }
        for (int i = first; i < end && n < width; i++)
            memset(out + (size_t)i * W + n, 0, (size_t)(width - n) * sizeof *out);
    }
}

/* What tiles read of the left matrix: as it lies where its rows run on, else copied. */
typedef struct left {
    const float *data;
    size_t row, col;
} left;

/* `rows` rows of a from m0 on, columns k0..k1. */
static left left_of(const train_product *p, int m0, int rows, int k0, int k1, float *copy) {
    const int high = p->kernels->tile_rows, n = k1 - k0;
    const float *in = p->a.data + (size_t)m0 * p->a.row + (size_t)k0 * p->a.col;
    left l = {in, p->a.row, p->a.col};
    if (rows == high && p->a.col == 1) return l;
    if (rows == high && p->a.row == 1) p->kernels->pack(in, p->a.col, n, copy);
    else
        for (int c = 0; c < n; c++)
            for (int r = 0; r < high; r++)
                copy[c * high + r] = r < rows ? in[(size_t)r * p->a.row + (size_t)c * p->a.col] : 0;
    l.data = copy, l.row = 1, l.col = (size_t)high;
    return l;
}

/* A tile at the edge goes through a buffer. */
static void edge_tile(const train_product *p, int k, left a, const float *b, float *c, int rows, int cols,
                      bool add) {
    float whole[TRAIN_MAX_TILE];
    const int width = p->kernels->tile_cols;
    memset(whole, 0, sizeof whole);
    for (int i = 0; i < rows && add; i++)
        memcpy(whole + i * width, c + (size_t)i * p->ldc, (size_t)cols * sizeof *c);
    p->kernels->tile(k, a.data, a.row, a.col, b, whole, (size_t)width, add);
    for (int i = 0; i < rows; i++)
        memcpy(c + (size_t)i * p->ldc, whole + i * width, (size_t)cols * sizeof *c);
}

/* One band of rows. */
static void multiply_band(const train_product *p, int band) {
    float copies[TRAIN_BAND * BLOCK];
    left a[TRAIN_BAND];
    const int high = p->kernels->tile_rows, width = p->kernels->tile_cols;
    const int m0 = band * TRAIN_BAND, n_rows = p->m - m0 < TRAIN_BAND ? p->m - m0 : TRAIN_BAND;
    const int from = p->part == TRAIN_FROM_ROW ? m0 / BLOCK * BLOCK : 0;
    const int to = p->part == TRAIN_UNTIL_ROW && m0 + n_rows < p->k ? m0 + n_rows : p->k;
    for (int k0 = from; k0 < to; k0 += BLOCK) {
        const int k1 = k0 + BLOCK < to ? k0 + BLOCK : to;
        const bool add = p->add || k0 > from;
        for (int i = 0; i < n_rows; i += high)
            a[i / high] = left_of(p, m0 + i, n_rows - i < high ? n_rows - i : high, k0, k1, copies + i * BLOCK);
        for (int n0 = 0; n0 < p->n; n0 += width) {
            const float *b = p->packed + (size_t)n0 * (size_t)p->k + (size_t)k0 * (size_t)width;
            const int cols = p->n - n0 < width ? p->n - n0 : width;
            if (p->part == TRAIN_LOWER && n0 >= m0 + n_rows) break;
            for (int i = 0; i < n_rows; i += high) {
                const left *l = &a[i / high];
                const int rows = n_rows - i < high ? n_rows - i : high;
                float *c = p->c + (size_t)(m0 + i) * p->ldc + n0;
                if (rows == high && cols == width)
                    p->kernels->tile(k1 - k0, l->data, l->row, l->col, b, c, p->ldc, add);
                else
                    edge_tile(p, k1 - k0, *l, b, c, rows, cols, add);
            }
        }
    }
}

static int n_panels(const train_product *p) { return (p->n + p->kernels->tile_cols - 1) / p->kernels->tile_cols; }
static int n_bands(const train_product *p) { return (p->m + TRAIN_BAND - 1) / TRAIN_BAND; }
static void pack_part(void *user, int part) { pack_b((const train_product *)user, part); }
static void band_part(void *user, int part) { multiply_band((const train_product *)user, part); }

void train_multiply(const train_product *p) {
    for (int i = 0; i < n_panels(p); i++) pack_b(p, i);
    for (int i = 0; i < n_bands(p); i++) multiply_band(p, i);
}

void train_multiply_shared(ft__pool *pool, const train_product *p) {
    ft__pool_run(pool, pack_part, (void *)(uintptr_t)p, n_panels(p));
    ft__pool_run(pool, band_part, (void *)(uintptr_t)p, n_bands(p));
}

ft_status train_kernels_choose(train_kernels *k, ft_error *err) {
    ft__isa isa;
    ft_status status = ft__check_float_mode(err);
    if (!status) status = ft__isa_choose(&isa, err);
    if (status) return status;
    train_kernels_plain(k);
#if defined(__x86_64__)
    if (isa == FT__ISA_AVX2) train_kernels_avx2(k);
    if (isa == FT__ISA_AVX512) train_kernels_avx512(k);
#endif
    return FT_OK;
}
