/* What the rooms of edit distances share: edit_distance.c has the distances, edit_fuzz.c
   RapidFuzz's ratios, edit.c the metrics and evaluators. */
#ifndef FT__EDIT_H
#define FT__EDIT_H

#include "eval.h"

/* ---- edit_distance.c.  Statuses are without words: FT_ERR_LIMIT (too many cells), FT_ERR_MEMORY;
   false is out of memory, too. */

typedef struct ft__edit_text {
    uint32_t *symbols;
    size_t n;
} ft__edit_text;

FT__PRIV bool ft__edit_chars(ft__edit_text *t, ft__view v, ft__arena *arena);
/* Output and expected text, over characters or words. */
FT__PRIV bool ft__edit_read(bool words, ft__view output, ft__view expected, ft__edit_text *x,
                            ft__edit_text *y, ft__arena *arena);
static inline size_t ft__edit_longer(ft__edit_text x, ft__edit_text y) {
    return x.n > y.n ? x.n : y.n;
}

/* Levenshtein's distance, or (indel) without replacements. */
FT__PRIV ft_status ft__edit_between(bool indel, ft__edit_text x, ft__edit_text y, ft__arena *arena,
                                    size_t *distance);
typedef struct ft__edit_weights {
    double insert, erase, replace;
} ft__edit_weights;
/* From x to y. */
FT__PRIV ft_status ft__edit_weighted(ft__edit_text x, ft__edit_text y, ft__edit_weights w,
                                     ft__arena *arena, double *distance);
/* With transpositions: of neighbours that stay neighbours (optimal string alignment), or (`apart`,
   the true Damerau distance) with anything in between. */
FT__PRIV ft_status ft__edit_transposed(bool apart, ft__edit_text x, ft__edit_text y,
                                       ft__arena *arena, size_t *distance);
/* Positions that differ; those beyond the shorter text do. */
FT__PRIV size_t ft__edit_hamming(ft__edit_text x, ft__edit_text y);
FT__PRIV bool ft__edit_jaro(ft__edit_text x, ft__edit_text y, ft__arena *arena, double *value);
FT__PRIV bool ft__edit_jaro_winkler(ft__edit_text x, ft__edit_text y, double prefix_weight,
                                    ft__arena *arena, double *value);

/* The table of two sequences, worked out by stripes of rows. */
enum { FT__EDIT_WORDS = 4, FT__EDIT_STRIPE = 64 * FT__EDIT_WORDS };

typedef struct ft__edit_table {
    bool indel;               /* without replacements */
    uint32_t *rows, *columns; /* numbered symbols */
    size_t n_rows, n_columns;
    uint64_t *masks;          /* (n_ids, FT__EDIT_WORDS): where in the loaded stripe a symbol is */
    size_t loaded;            /* its first row, or SIZE_MAX */
    uint8_t *edge;            /* (n_columns): 1 for +1, 2 for -1 */
    uint64_t up[FT__EDIT_WORDS], down[FT__EDIT_WORDS];
} ft__edit_table;

FT__PRIV bool ft__edit_open(ft__edit_table *t, bool indel, const uint32_t *rows, size_t n_rows,
                            const uint32_t *columns, size_t n_columns, ft__arena *arena);
/* Before symbols of the rows are changed. */
FT__PRIV void ft__edit_unload(ft__edit_table *t);
/* The distance, by the cells at most `band` columns off the diagonal; SIZE_MAX: it is above `band`.
   The band has to reach the last cell. */
FT__PRIV size_t ft__edit_band(ft__edit_table *t, size_t band);
/* From column j to j + 1 of the last row. */
static inline int64_t ft__edit_edge(const ft__edit_table *t, size_t j) {
    return (int64_t)(t->edge[j] & 1) - (t->edge[j] >> 1);
}

/* ---- edit_fuzz.c: from 0 to 100 */

enum { FT__EDIT_RATIO, FT__EDIT_PARTIAL, FT__EDIT_TOKEN_SORT, FT__EDIT_TOKEN_SET };
#define FT__EDIT_MODES {"ratio", "partial", "token_sort", "token_set"}
FT__PRIV ft_status ft__edit_fuzz(int mode, ft__view x, ft__view y, ft__arena *arena, double *value);

#endif /* FT__EDIT_H */
