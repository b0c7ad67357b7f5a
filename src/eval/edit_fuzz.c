/* RapidFuzz's four ratios (3.14.5), from 0 to 100.  They count insertions and deletions only:

     ratio       100 - 100 (insertions + deletions) / (n + m) over characters
     partial     the best ratio of the shorter text with a part of the longer one
     token_sort  the ratio of the texts with their words sorted
     token_set   the best of three: common words against all of each text's, and these against one
                 another, each with the common words in front; without words 0

   The windows of "partial" may come to FT__EDIT_MAX_CELLS cells of tables altogether. */
#include "edit.h"

static double ft__edit_percent(size_t distance, size_t maximum) {
    return maximum ? 100 - 100 * (double)distance / (double)maximum : 100;
}

static ft_status ft__edit_ratio(ft__edit_text x, ft__edit_text y, ft__arena *arena, double *value) {
    size_t distance;
    ft_status status = ft__edit_between(true, x, y, arena, &distance);
    if (!status) *value = ft__edit_percent(distance, x.n + y.n);
    return status;
}

static void ft__edit_reverse(uint32_t *symbols, size_t n) {
    for (size_t i = 0; i < n / 2; i++) {
        uint32_t swap = symbols[i];
        symbols[i] = symbols[n - 1 - i];
        symbols[n - 1 - i] = swap;
    }
}

/* The best ratio of the table's rows with a beginning of its columns, which are fewer than rows:
   the lower edge of one table has them all. */
static void ft__edit_beginnings(ft__edit_table *t, double *value) {
    int64_t distance = (int64_t)t->n_rows;
    ft__edit_band(t, t->n_rows + t->n_columns);
    for (size_t j = 0; j < t->n_columns; j++) {
        distance += ft__edit_edge(t, j);
        double percent = ft__edit_percent((size_t)distance, t->n_rows + j + 1);
        if (percent > *value) *value = percent;
    }
}

/* The best ratio of x with a part of y, which is not shorter: with its windows of x's length, its
   shorter beginnings and its shorter ends.  The common subsequences of neighbouring windows differ
   by 1 at most, so that windows which cannot be the best are jumped over; for a good guess of the
   best, windows that do not overlap come first.  A window whose last symbol is not in x is no
   better than the window (or beginning) before it. */
static ft_status ft__edit_partial_of(ft__edit_text x, ft__edit_text y, ft__arena *arena,
                                     double *value) {
    ft__edit_table t;
    size_t n = x.n, last = y.n - n, best = 0;
    uint64_t window, cells = 0;
    if (!ft__edit_open(&t, true, x.symbols, n, y.symbols, y.n, arena)) return FT_ERR_MEMORY;
    if (!ft__mul_u64((n + 63) / 64 * 64, n, &window))
        return FT_ERR_LIMIT;
    uint32_t *columns = t.columns;
    t.n_columns = n;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0, step; i <= last && best < n; i += step) {
            step = pass == 0 ? n : 1;
            if (pass == 1 && columns[i + n - 1] == 0) continue;
            cells += window;
            if (cells > FT__EDIT_MAX_CELLS) return FT_ERR_LIMIT;
            t.columns = columns + i;
            size_t common = n - ft__edit_band(&t, 2 * n) / 2;
            if (common > best) best = common;
            if (pass == 1) step = best - common + 1;
        }
    }
    double percent = ft__edit_percent(2 * (n - best), 2 * n);
    if (percent > *value) *value = percent;
    t.columns = columns;
    t.n_columns = n - 1;
    ft__edit_beginnings(&t, value);
    ft__edit_unload(&t);
    ft__edit_reverse(t.rows, n);
    ft__edit_reverse(columns, y.n);
    ft__edit_beginnings(&t, value);
    return FT_OK;
}

static ft_status ft__edit_partial(ft__edit_text x, ft__edit_text y, ft__arena *arena,
                                  double *value) {
    ft_status status = FT_OK;
    *value = x.n + y.n == 0 ? 100 : 0;
    if (x.n == 0 || y.n == 0) return FT_OK;
    if (x.n <= y.n) status = ft__edit_partial_of(x, y, arena, value);
    if (x.n >= y.n && !status) status = ft__edit_partial_of(y, x, arena, value);
    return status;
}

typedef struct ft__edit_tokens {
    ft__view *words; /* sorted by code point */
    size_t n;
} ft__edit_tokens;

static int ft__edit_order(const void *a, const void *b) {
    return ft__text_compare(*(const ft__view *)a, *(const ft__view *)b);
}

static bool ft__edit_sorted(ft__edit_tokens *t, ft__view v, ft__arena *arena) {
    const char *p = v.text;
    t->n = ft__text_words(v);
    t->words = (ft__view *)ft__arena_alloc(arena, t->n, sizeof *t->words);
    if (!t->words) return false;
    for (size_t i = 0; i < t->n; i++) ft__text_next_word(&p, v.text + v.n, &t->words[i]);
    qsort(t->words, t->n, sizeof *t->words, ft__edit_order);
    return true;
}

/* One blank between words.  The text's characters. */
static bool ft__edit_join(ft__edit_text *out, ft__edit_tokens t, ft__arena *arena) {
    ft__view v;
    size_t n = t.n, used = 0;
    for (size_t i = 0; i < t.n; i++) n += t.words[i].n;
    char *text = (char *)ft__arena_alloc(arena, n, 1);
    if (!text) return false;
    for (size_t i = 0; i < t.n; i++) {
        if (i) text[used++] = ' ';
        memcpy(text + used, t.words[i].text, t.words[i].n);
        used += t.words[i].n;
    }
    v.text = text;
    v.n = used;
    return ft__edit_chars(out, v, arena);
}

static ft_status ft__edit_token_sort(ft__view x, ft__view y, ft__arena *arena, double *value) {
    ft__edit_tokens tx, ty;
    ft__edit_text jx, jy;
    if (!ft__edit_sorted(&tx, x, arena) || !ft__edit_sorted(&ty, y, arena) ||
        !ft__edit_join(&jx, tx, arena) || !ft__edit_join(&jy, ty, arena))
        return FT_ERR_MEMORY;
    return ft__edit_ratio(jx, jy, arena, value);
}

/* Shares the distinct words of two sorted lists out: those of both, of x alone, of y alone. */
static bool ft__edit_sets(ft__edit_tokens x, ft__edit_tokens y, ft__edit_tokens set[3],
                          ft__arena *arena) {
    size_t i = 0, j = 0;
    for (int s = 0; s < 3; s++) {
        set[s].n = 0;
        set[s].words = (ft__view *)ft__arena_alloc(arena, x.n + y.n, sizeof *set[s].words);
        if (!set[s].words) return false;
    }
    while (i < x.n || j < y.n) {
        int order = i == x.n ? 1 : j == y.n ? -1 : ft__text_compare(x.words[i], y.words[j]);
        ft__edit_tokens *to = &set[order == 0 ? 0 : order < 0 ? 1 : 2];
        ft__view word = order <= 0 ? x.words[i] : y.words[j];
        to->words[to->n++] = word;
        while (i < x.n && ft__text_compare(x.words[i], word) == 0) i++;
        while (j < y.n && ft__text_compare(y.words[j], word) == 0) j++;
    }
    return true;
}

/* The best of three: common words against all of x's, against all of y's, and all of x's against
   all of y's, each with the common words in front. */
static ft_status ft__edit_token_set(ft__view x, ft__view y, ft__arena *arena, double *value) {
    ft__edit_tokens tx, ty, set[3];
    ft__edit_text common, only_x, only_y;
    size_t distance;
    *value = 0;
    if (!ft__edit_sorted(&tx, x, arena) || !ft__edit_sorted(&ty, y, arena) ||
        !ft__edit_sets(tx, ty, set, arena))
        return FT_ERR_MEMORY;
    if (tx.n == 0 || ty.n == 0) return FT_OK;
    if (set[0].n && (set[1].n == 0 || set[2].n == 0)) {
        *value = 100;
        return FT_OK;
    }
    if (!ft__edit_join(&common, set[0], arena) || !ft__edit_join(&only_x, set[1], arena) ||
        !ft__edit_join(&only_y, set[2], arena))
        return FT_ERR_MEMORY;
    ft_status status = ft__edit_between(true, only_x, only_y, arena, &distance);
    if (status) return status;
    size_t front = common.n + (common.n > 0), all_x = front + only_x.n, all_y = front + only_y.n;
    *value = ft__edit_percent(distance, all_x + all_y);
    if (common.n == 0) return FT_OK;
    double with_x = ft__edit_percent(1 + only_x.n, common.n + all_x);
    double with_y = ft__edit_percent(1 + only_y.n, common.n + all_y);
    if (with_x > *value) *value = with_x;
    if (with_y > *value) *value = with_y;
    return FT_OK;
}

FT__PRIV ft_status ft__edit_fuzz(int mode, ft__view x, ft__view y, ft__arena *arena,
                                 double *value) {
    ft__edit_text cx, cy;
    if (mode == FT__EDIT_TOKEN_SORT) return ft__edit_token_sort(x, y, arena, value);
    if (mode == FT__EDIT_TOKEN_SET) return ft__edit_token_set(x, y, arena, value);
    if (!ft__edit_read(false, x, y, &cx, &cy, arena)) return FT_ERR_MEMORY;
    return mode == FT__EDIT_RATIO ? ft__edit_ratio(cx, cy, arena, value)
                                  : ft__edit_partial(cx, cy, arena, value);
}

