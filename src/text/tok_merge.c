/* Merging: again and again the two neighbours whose pair has the least key become one symbol, the
   leftmost of equals, until no pair has a key.  What the key is, is the tokenizer's business.

   The next pair is found by a tree of minima over the keys of all pairs, 16 children a node: a word
   of 16 characters is one look at 16 numbers, and a megabyte of one letter costs five such looks per
   changed pair. */
#include "text.h"

#define FT__MERGE_FANOUT 16u
#define FT__MERGE_LEVELS 10 /* 4^16 leaves, the root, one to spare */

typedef struct ft__merge_tree {
    uint64_t *level[FT__MERGE_LEVELS]; /* level[0]: a key per symbol, the last level: one number */
    int top;
} ft__merge_tree;

static uint64_t ft__merge_least(const uint64_t *keys) {
    uint64_t a = keys[0], b = keys[1];
    for (unsigned i = 2; i < FT__MERGE_FANOUT; i += 2) {
        a = keys[i] < a ? keys[i] : a;
        b = keys[i + 1] < b ? keys[i + 1] : b;
    }
    return a < b ? a : b;
}

/* Brings the levels above up to date; the n places, ascending, are those whose keys changed. */
static void ft__merge_update(ft__merge_tree *t, uint32_t *at, int n) {
    bool changed = true;
    for (int k = 1; k <= t->top && changed; k++) {
        uint32_t done = UINT32_MAX;
        changed = false;
        for (int j = 0; j < n; j++) {
            at[j] /= FT__MERGE_FANOUT;
            if (at[j] == done) continue;
            done = at[j];
            uint64_t least = ft__merge_least(t->level[k - 1] + (size_t)done * FT__MERGE_FANOUT);
            if (t->level[k][done] == least) continue;
            t->level[k][done] = least;
            changed = true;
        }
    }
}

/* Lays the levels out in w->keys for n >= 1 leaves, all empty; all but the root
   are whole groups. */
static bool ft__merge_plant(ft__tok_work *w, size_t n, ft__merge_tree *t) {
    size_t start[FT__MERGE_LEVELS], total = 0;
    for (t->top = 0;; t->top++) {
        size_t groups = (n + FT__MERGE_FANOUT - 1) / FT__MERGE_FANOUT;
        start[t->top] = total;
        total += n == 1 ? 1 : groups * FT__MERGE_FANOUT;
        if (n == 1) break;
        n = groups;
    }
    if (!ft__grow(&w->allocator, (void **)&w->keys, &w->cap_keys, total, sizeof *w->keys))
        return false;
    for (int k = 0; k <= t->top; k++) t->level[k] = w->keys + start[k];
    memset(w->keys, 0xFF, total * sizeof *w->keys);
    return true;
}

FT__PRIV bool ft__tok_merge_all(const ft__vocab *v, ft__tok_work *w, ft__tok_key *key) {
    ft__tok_symbol *s = w->symbols;
    uint32_t n = (uint32_t)w->n_symbols;
    ft__merge_tree t;
    if (!ft__merge_plant(w, n, &t)) return false;
    for (uint32_t i = 0; i < n; i++) {
        s[i].prev = i > 0 ? i - 1 : FT__TOK_NO_SYMBOL;
        s[i].next = i + 1 < n ? i + 1 : FT__TOK_NO_SYMBOL;
    }
    for (uint32_t i = 0; i + 1 < n; i++) t.level[0][i] = key(v, w, i);
    for (int k = 1; k <= t.top; k++) {
        n = (n + FT__MERGE_FANOUT - 1) / FT__MERGE_FANOUT;
        for (uint32_t i = 0; i < n; i++)
            t.level[k][i] = ft__merge_least(t.level[k - 1] + (size_t)i * FT__MERGE_FANOUT);
    }
    uint64_t best;
    while ((best = t.level[t.top][0]) != FT__TOK_NO_KEY) {
        uint32_t i = (uint32_t)best, gone = s[i].next;
        s[i].id = s[i].pair;
        s[i].hash = ft__tok_hash_join(s[i].hash, s[gone].hash, s[gone].power);
        s[i].power *= s[gone].power;
        s[i].len += s[gone].len;
        s[i].next = s[gone].next;
        if (s[i].next != FT__TOK_NO_SYMBOL) s[s[i].next].prev = i;
        uint32_t at[3] = {s[i].prev, i, gone}, *first = at;
        t.level[0][gone] = FT__TOK_NO_KEY;
        t.level[0][i] = s[i].next == FT__TOK_NO_SYMBOL ? FT__TOK_NO_KEY : key(v, w, i);
        if (*first == FT__TOK_NO_SYMBOL) first++;
        else t.level[0][*first] = key(v, w, *first);
        ft__merge_update(&t, first, (int)(at + 3 - first));
    }
    return true;
}

#undef FT__MERGE_FANOUT
#undef FT__MERGE_LEVELS
