/* Edit distances between two sequences of symbols.

   A text is a sequence of code points (each invalid byte is one of its own), or of words of
   Python's split().

   The table of n * m cells is worked out 64 cells at a time, after G. Myers 1999 and H. Hyyro 2003
   for Levenshtein's distance, after M. Crochemore et al. 2001 and H. Hyyro 2004 for insertions and
   deletions alone.  It is still a table: the time grows with n * m / 64, though texts with few
   edits between them only cost their band around the diagonal (E. Ukkonen 1985).  A pair of more
   than FT__EDIT_MAX_CELLS cells (370,000 characters on both sides, 5 seconds) is refused.

   Weighted distances, and those with transpositions, take a step for each cell, of which there may
   be 64 times fewer.  Jaro and Jaro-Winkler take linear time. */
#include "edit.h"

FT__PRIV bool ft__edit_fits(size_t n, size_t m) {
    uint64_t cells;
    return ft__mul_u64(n, m, &cells) && cells <= FT__EDIT_MAX_CELLS;
}

/* ---- two sequences with their symbols numbered.  Number 0: not in the shorter one. */

typedef struct ft__edit_pair {
    uint32_t *a, *b;
    size_t n, m;
    size_t n_ids; /* numbers are below */
} ft__edit_pair;

static bool ft__edit_number(ft__edit_pair *p, const uint32_t *a, size_t n, const uint32_t *b,
                            size_t m, ft__arena *arena) {
    const uint32_t *key = n < m ? a : b;
    size_t n_keys = n < m ? n : m, n_slots = 64;
    if (n >= UINT32_MAX || m >= UINT32_MAX) return false; /* 32 bits count them */
    while (n_slots / 2 < n_keys) n_slots *= 2;
    uint32_t *slots = (uint32_t *)ft__arena_alloc(arena, n_slots, 2 * sizeof *slots);
    p->a = (uint32_t *)ft__arena_alloc(arena, n, sizeof *p->a);
    p->b = (uint32_t *)ft__arena_alloc(arena, m, sizeof *p->b);
    p->n = n;
    p->m = m;
    p->n_ids = 1;
    if (!slots || !p->a || !p->b) return false;
    for (int pass = 0; pass < 3; pass++) { /* the keys get numbers, then both get theirs */
        const uint32_t *from = pass == 0 ? key : pass == 1 ? a : b;
        size_t count = pass == 0 ? n_keys : pass == 1 ? n : m;
        uint32_t *to = pass == 1 ? p->a : p->b;
        for (size_t i = 0; i < count; i++) {
            size_t at = (size_t)((uint64_t)(from[i] * 0x9E3779B1u) * n_slots >> 32);
            while (slots[2 * at + 1] && slots[2 * at] != from[i]) at = (at + 1) & (n_slots - 1);
            if (pass > 0) to[i] = slots[2 * at + 1];
            else if (!slots[2 * at + 1]) {
                slots[2 * at] = from[i];
                slots[2 * at + 1] = (uint32_t)p->n_ids++;
            }
        }
    }
    return true;
}

static void ft__edit_strip(const uint32_t **a, size_t *n, const uint32_t **b, size_t *m) {
    while (*n && *m && (*a)[0] == (*b)[0]) ++*a, ++*b, --*n, --*m;
    while (*n && *m && (*a)[*n - 1] == (*b)[*m - 1]) --*n, --*m;
}

/* ---- the table, by stripes of rows.

   Cells differ by at most 1 from their neighbours, so that a column of a stripe is two bits a row
   (one up, one down from the row above), and what a stripe hands to the next one is such a
   difference for each column: its lower edge. */

FT__PRIV bool ft__edit_open(ft__edit_table *t, bool indel, const uint32_t *rows, size_t n_rows,
                            const uint32_t *columns, size_t n_columns, ft__arena *arena) {
    ft__edit_pair p;
    if (!ft__edit_number(&p, rows, n_rows, columns, n_columns, arena)) return false;
    t->indel = indel;
    t->rows = p.a;
    t->n_rows = n_rows;
    t->columns = p.b;
    t->n_columns = n_columns;
    t->masks = (uint64_t *)ft__arena_alloc(arena, p.n_ids, FT__EDIT_WORDS * sizeof *t->masks);
    t->loaded = SIZE_MAX;
    t->edge = (uint8_t *)ft__arena_alloc(arena, n_columns, 1);
    return t->masks && t->edge;
}

static size_t ft__edit_stripe_end(const ft__edit_table *t, size_t first) {
    return t->n_rows - first < FT__EDIT_STRIPE ? t->n_rows : first + FT__EDIT_STRIPE;
}

FT__PRIV void ft__edit_unload(ft__edit_table *t) {
    if (t->loaded == SIZE_MAX) return;
    for (size_t i = t->loaded, end = ft__edit_stripe_end(t, i); i < end; i++)
        memset(&t->masks[t->rows[i] * (size_t)FT__EDIT_WORDS], 0,
               FT__EDIT_WORDS * sizeof *t->masks);
    t->loaded = SIZE_MAX;
}

static void ft__edit_load(ft__edit_table *t, size_t first) {
    if (t->loaded == first) return;
    ft__edit_unload(t);
    t->loaded = first;
    for (size_t i = first, end = ft__edit_stripe_end(t, first); i < end; i++) {
        size_t bit = i - first;
        if (t->rows[i])
            t->masks[t->rows[i] * (size_t)FT__EDIT_WORDS + bit / 64] |= (uint64_t)1 << bit % 64;
    }
}

/* The loaded stripe through some columns, from a left border that goes up by 1 in every row. */
static inline __attribute__((always_inline)) void
ft__edit_sweep_unit(ft__edit_table *t, size_t from, size_t to, const int words) {
    uint64_t up[FT__EDIT_WORDS], down[FT__EDIT_WORDS];
    for (int w = 0; w < words; w++) up[w] = ~(uint64_t)0, down[w] = 0;
    for (size_t j = from; j < to; j++) {
        const uint64_t *mask = &t->masks[t->columns[j] * (size_t)FT__EDIT_WORDS];
        uint64_t plus = t->edge[j] & 1u, minus = t->edge[j] >> 1;
        for (int w = 0; w < words; w++) {
            uint64_t same = mask[w] | minus, vertical = mask[w] | down[w];
            uint64_t diagonal = (((same & up[w]) + up[w]) ^ up[w]) | same;
            uint64_t right_up = down[w] | ~(diagonal | up[w]), right_down = up[w] & diagonal;
            uint64_t above_up = right_up << 1 | plus, above_down = right_down << 1 | minus;
            plus = right_up >> 63;
            minus = right_down >> 63;
            up[w] = above_down | ~(vertical | above_up);
            down[w] = above_up & vertical;
        }
        t->edge[j] = (uint8_t)(plus | minus << 1);
    }
    for (int w = 0; w < words; w++) t->up[w] = up[w], t->down[w] = down[w];
}

/* Here every difference is +1 or -1, and an addition carries the matches downwards. */
static inline __attribute__((always_inline)) void
ft__edit_sweep_indel(ft__edit_table *t, size_t from, size_t to, const int words) {
    uint64_t up[FT__EDIT_WORDS];
    for (int w = 0; w < words; w++) up[w] = ~(uint64_t)0;
    for (size_t j = from; j < to; j++) {
        const uint64_t *mask = &t->masks[t->columns[j] * (size_t)FT__EDIT_WORDS];
        uint64_t carry = t->edge[j] >> 1;
        for (int w = 0; w < words; w++) {
            uint64_t match = up[w] & mask[w], half = up[w] + match, sum = half + carry;
            carry = (uint64_t)(half < match) | (uint64_t)(sum < half);
            up[w] = sum | (up[w] - match);
        }
        t->edge[j] = (uint8_t)(1 + carry);
    }
    for (int w = 0; w < words; w++) t->up[w] = up[w], t->down[w] = ~up[w];
}

/* A constant number of words keeps them in registers. */
static void ft__edit_sweep(ft__edit_table *t, size_t from, size_t to, int words) {
    switch (t->indel ? words + FT__EDIT_WORDS : words) {
    case 1: ft__edit_sweep_unit(t, from, to, 1); break;
    case 2: ft__edit_sweep_unit(t, from, to, 2); break;
    case 3: ft__edit_sweep_unit(t, from, to, 3); break;
    case 4: ft__edit_sweep_unit(t, from, to, 4); break;
    case 5: ft__edit_sweep_indel(t, from, to, 1); break;
    case 6: ft__edit_sweep_indel(t, from, to, 2); break;
    case 7: ft__edit_sweep_indel(t, from, to, 3); break;
    default: ft__edit_sweep_indel(t, from, to, 4); break;
    }
}

/* Rows that fill up the last word do not count: what they add in the last column. */
static int64_t ft__edit_excess(const ft__edit_table *t, int words) {
    size_t used = t->n_rows % 64;
    uint64_t pad = used ? ~(uint64_t)0 << used : 0;
    return __builtin_popcountll(t->up[words - 1] & pad) -
           __builtin_popcountll(t->down[words - 1] & pad);
}

/* The distance when only cells at most `band` columns off the diagonal are worked out, and what
   lies outside is taken for larger than it can be: never too small, and right if it is not above
   `band`.  SIZE_MAX: it is above.  The band has to reach the last cell. */
FT__PRIV size_t ft__edit_band(ft__edit_table *t, size_t band) {
    int64_t corner = 0; /* the cell above the stripe's left border */
    size_t n = t->n_rows, m = t->n_columns;
    if (m) memset(t->edge, 1, m);
    for (size_t first = 0; first < n; first += FT__EDIT_STRIPE) {
        size_t end = ft__edit_stripe_end(t, first), next = end > band ? end - band : 0;
        size_t from = first > band ? first - band : 0;
        size_t to = m < band || m - band < end ? m : end + band;
        int words = (int)((end - first + 63) / 64);
        ft__edit_load(t, first);
        ft__edit_sweep(t, from, to, words);
        corner += 64 * words;
        int64_t cell = corner, least = corner;
        for (size_t j = from; j < to; j++) {
            if (j == next) corner = cell;
            cell += ft__edit_edge(t, j);
            if (cell < least) least = cell;
        }
        if (to <= next) corner = cell;
        if (end == n) return (size_t)(cell - ft__edit_excess(t, words));
        if (least > (int64_t)band) return SIZE_MAX;
    }
    return m;
}

/* A narrow band first, unless the texts are short. */
static size_t ft__edit_solve(ft__edit_table *t) {
    size_t n = t->n_rows, m = t->n_columns, band = n > m ? n - m : m - n;
    if (band < 64) band = 64;
    for (; n > 4 * FT__EDIT_STRIPE && band < n / 2; band *= 4) {
        size_t distance = ft__edit_band(t, band);
        if (distance <= band) return distance;
    }
    return ft__edit_band(t, n + m);
}

static bool ft__edit_distance(bool indel, const uint32_t *a, size_t n, const uint32_t *b, size_t m,
                              const ft_allocator *allocator, size_t *distance) {
    ft__edit_table t;
    ft__arena arena;
    bool ok = true, longer = n >= m;
    ft__edit_strip(&a, &n, &b, &m);
    *distance = n + m;
    if (n == 0 || m == 0) return true;
    ft__arena_init(&arena, allocator);
    if (longer) ok = ft__edit_open(&t, indel, a, n, b, m, &arena);
    else ok = ft__edit_open(&t, indel, b, m, a, n, &arena);
    if (ok) *distance = ft__edit_solve(&t);
    ft__arena_free(&arena);
    return ok;
}

FT__PRIV bool ft__edit_levenshtein(const uint32_t *a, size_t n, const uint32_t *b, size_t m,
                                   const ft_allocator *allocator, size_t *distance) {
    return ft__edit_distance(false, a, n, b, m, allocator, distance);
}

FT__PRIV bool ft__edit_lcs(const uint32_t *a, size_t n, const uint32_t *b, size_t m,
                           const ft_allocator *allocator, size_t *length) {
    size_t distance;
    if (!ft__edit_distance(true, a, n, b, m, allocator, &distance)) return false;
    *length = (n + m - distance) / 2;
    return true;
}

/* ---- texts as symbols */

FT__PRIV bool ft__edit_chars(ft__edit_text *t, ft__view v, ft__arena *arena) {
    const char *p = v.text, *end = p + v.n;
    t->symbols = (uint32_t *)ft__arena_alloc(arena, v.n, sizeof *t->symbols);
    t->n = 0;
    while (t->symbols && p < end) {
        uint32_t c = (unsigned char)*p;
        if (c < 0x80) p++;
        else if ((c = ft__utf8_next(&p, end)) == FT__BAD_UTF8)
            c = 0x80000000u | (unsigned char)p[-1];
        t->symbols[t->n++] = c;
    }
    return t->symbols != NULL;
}

static bool ft__edit_words(ft__edit_text *t, ft__view v, ft__interner *numbers, ft__arena *arena) {
    ft__view word;
    t->symbols = (uint32_t *)ft__arena_alloc(arena, v.n / 2 + 1, sizeof *t->symbols);
    t->n = 0;
    for (const char *p = v.text, *end = p + v.n; t->symbols && ft__text_next_word(&p, end, &word);)
        t->symbols[t->n++] = ft__interner_id(numbers, word);
    return t->symbols && !numbers->failed;
}

FT__PRIV bool ft__edit_read(bool words, ft__view output, ft__view expected, ft__edit_text *x,
                            ft__edit_text *y, ft__arena *arena) {
    ft__interner numbers;
    if (!words) return ft__edit_chars(x, output, arena) && ft__edit_chars(y, expected, arena);
    ft__interner_init(&numbers, &arena->allocator);
    bool ok = ft__edit_words(x, output, &numbers, arena) &&
              ft__edit_words(y, expected, &numbers, arena);
    ft__interner_free(&numbers);
    return ok;
}

FT__PRIV ft_status ft__edit_between(bool indel, ft__edit_text x, ft__edit_text y, ft__arena *arena,
                                    size_t *distance) {
    if (!ft__edit_fits(x.n, y.n)) return FT_ERR_LIMIT;
    return ft__edit_distance(indel, x.symbols, x.n, y.symbols, y.n, &arena->allocator, distance)
               ? FT_OK
               : FT_ERR_MEMORY;
}

/* ---- distances that take a step for each cell, of which there may be 64 times fewer */

static bool ft__edit_fits_plain(ft__edit_text x, ft__edit_text y) {
    uint64_t cells;
    return ft__mul_u64(x.n, y.n, &cells) && cells <= FT__EDIT_MAX_CELLS / 64;
}

/* x into y, two rows of the table at a time. */
FT__PRIV ft_status ft__edit_weighted(ft__edit_text x, ft__edit_text y, ft__edit_weights w,
                                     ft__arena *arena, double *distance) {
    if (!ft__edit_fits_plain(x, y)) return FT_ERR_LIMIT;
    double *row = (double *)ft__arena_alloc(arena, y.n + 1, sizeof *row);
    if (!row) return FT_ERR_MEMORY;
    for (size_t j = 0; j <= y.n; j++) row[j] = (double)j * w.insert;
    for (size_t i = 0; i < x.n; i++) {
        double diagonal = row[0];
        row[0] += w.erase;
        for (size_t j = 0; j < y.n; j++) {
            double best = diagonal + (x.symbols[i] == y.symbols[j] ? 0 : w.replace);
            diagonal = row[j + 1];
            if (diagonal + w.erase < best) best = diagonal + w.erase;
            if (row[j] + w.insert < best) best = row[j] + w.insert;
            row[j + 1] = best;
        }
    }
    *distance = row[y.n];
    return FT_OK;
}

/* With transpositions: of neighbours that stay neighbours (optimal string alignment), or (`apart`,
   the true Damerau distance) with anything in between.  Of those, with unit costs, only the ones
   count that are neighbours in one of the texts (C. Zhao, S. Sahni 2019): three rows and the last
   place of each symbol are enough, where R. Lowrance and R. Wagner need the whole table. */
FT__PRIV ft_status ft__edit_transposed(bool apart, ft__edit_text x, ft__edit_text y,
                                       ft__arena *arena, size_t *distance) {
    ft__edit_pair p;
    if (!ft__edit_fits_plain(x, y)) return FT_ERR_LIMIT;
    if (x.n < y.n) {
        ft__edit_text swap = x;
        x = y, y = swap;
    }
    size_t m = y.n, *rows = (size_t *)ft__arena_alloc(arena, m + 1, 4 * sizeof *rows);
    if (!rows || !ft__edit_number(&p, x.symbols, x.n, y.symbols, m, arena)) return FT_ERR_MEMORY;
    size_t *last_row = (size_t *)ft__arena_alloc(arena, p.n_ids, sizeof *last_row);
    if (!last_row) return FT_ERR_MEMORY;
    size_t *two = rows, *one = two + m + 1, *now = one + m + 1;
    size_t *before = now + m + 1; /* cell (k - 1, j - 2) of the column's last match (k, j) */
    for (size_t j = 0; j <= m; j++) now[j] = j;
    for (size_t i = 1; i <= x.n; i++) {
        size_t *turn = two, last_column = 0;
        two = one, one = now, now = turn;
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            bool same = p.a[i - 1] == p.b[j - 1];
            size_t best = one[j - 1] + !same, k = last_row[p.b[j - 1]], l = last_column, other;
            if (one[j] + 1 < best) best = one[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            if (same) {
                if (j > 1) before[j] = one[j - 2];
                last_column = j;
            } else if (k && l && (apart ? k + 1 == i || l + 1 == j : k + 1 == i && l + 1 == j)) {
                other = l + 1 == j ? before[j] + (i - k) : two[l - 1] + (j - l);
                if (other < best) best = other;
            }
            now[j] = best;
        }
        last_row[p.a[i - 1]] = i;
    }
    *distance = now[m];
    return FT_OK;
}

FT__PRIV size_t ft__edit_hamming(ft__edit_text x, ft__edit_text y) {
    size_t distance = ft__edit_longer(x, y);
    for (size_t i = 0; i < x.n && i < y.n; i++) distance -= x.symbols[i] == y.symbols[i];
    return distance;
}

/* ---- Jaro.  The greedy matching takes for each symbol, from left to right, the first free equal
   one of the window in the other text.  Windows only move on, so that each symbol's places are used
   up in order, and the whole takes linear time. */

static double ft__edit_jaro_value(const ft__edit_pair *p, const uint32_t *partner,
                                  const uint8_t *taken, size_t matches) {
    size_t differing = 0;
    for (size_t i = 0, j = 0; i < p->n; i++) {
        if (!partner[i]) continue;
        while (!taken[j]) j++;
        differing += p->a[i] != p->b[j++];
    }
    double c = (double)matches;
    if (matches == 0) return 0;
    return (c / (double)p->n + c / (double)p->m + (c - (double)(differing / 2)) / c) / 3;
}

FT__PRIV bool ft__edit_jaro(ft__edit_text x, ft__edit_text y, ft__arena *arena, double *value) {
    ft__edit_pair p;
    size_t longer = ft__edit_longer(x, y), reach = longer >= 2 ? longer / 2 - 1 : 0, matches = 0;
    *value = x.n == y.n;
    if (x.n == 0 || y.n == 0) return true;
    if (!ft__edit_number(&p, x.symbols, x.n, y.symbols, y.n, arena)) return false;
    /* Places count from 1; a chain of the places of each symbol, and which are used. */
    uint32_t *place = (uint32_t *)ft__arena_alloc(arena, p.n_ids, sizeof *place);
    uint32_t *next = (uint32_t *)ft__arena_alloc(arena, p.m + 1, sizeof *next);
    uint32_t *partner = (uint32_t *)ft__arena_alloc(arena, p.n, sizeof *partner);
    uint8_t *taken = (uint8_t *)ft__arena_alloc(arena, p.m, 1);
    if (!place || !next || !partner || !taken) return false;
    for (size_t j = p.m; j > 0; j--) {
        next[j] = place[p.b[j - 1]];
        place[p.b[j - 1]] = (uint32_t)j;
    }
    for (size_t i = 0; i < p.n; i++) {
        uint32_t *at = &place[p.a[i]];
        if (p.a[i] == 0) continue; /* 0 in both texts need not be the same symbol */
        while (*at && *at + reach < i + 1) *at = next[*at];
        if (*at == 0 || *at > i + 1 + reach) continue;
        partner[i] = *at;
        taken[*at - 1] = 1;
        matches++;
        *at = next[*at];
    }
    *value = ft__edit_jaro_value(&p, partner, taken, matches);
    return true;
}

FT__PRIV bool ft__edit_jaro_winkler(ft__edit_text x, ft__edit_text y, double prefix_weight,
                                    ft__arena *arena, double *value) {
    size_t prefix = 0;
    if (!ft__edit_jaro(x, y, arena, value)) return false;
    while (prefix < 4 && prefix < x.n && prefix < y.n && x.symbols[prefix] == y.symbols[prefix])
        prefix++;
    if (*value > 0.7) *value += (double)prefix * prefix_weight * (1 - *value);
    if (*value > 1) *value = 1;
    return true;
}

