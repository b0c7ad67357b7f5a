/* The words that facts are made of.  A word is known by its class: the row of the tables in which
   it stands, with its opposites, or else its Porter stem.  A lexicon, made of the tables once, may
   be used by any thread; the words of texts that are to be compared get their numbers together. */
#include "facts_words.h"

/* ---- the lexicon */

/* All tables as one. */
enum {
    FT__FACTS_OPPOSITES = FT__COUNT(ft__facts_rows),
    FT__FACTS_ALIKE = FT__FACTS_OPPOSITES + FT__COUNT(ft__facts_opposites),
    FT__FACTS_LANDS = FT__FACTS_ALIKE + FT__COUNT(ft__facts_alike),
    FT__FACTS_ROWS = FT__FACTS_LANDS + FT__COUNT(ft__facts_lands)
};

static ft__facts_row ft__facts_row_at(size_t i) {
    ft__facts_row row = {NULL, FT__WORD_KNOWN, 0, 0};
    if (i < FT__FACTS_OPPOSITES) return ft__facts_rows[i];
    if (i < FT__FACTS_ALIKE) {
        row.words = ft__facts_opposites[i - FT__FACTS_OPPOSITES];
        row.flags |= FT__WORD_POLAR;
        if (i == FT__FACTS_OPPOSITES) row.flags |= FT__WORD_FORBIDS;
    } else if (i < FT__FACTS_LANDS) {
        row.words = ft__facts_alike[i - FT__FACTS_ALIKE];
    } else {
        row.words = ft__facts_lands[i - FT__FACTS_LANDS];
        row.flags = FT__WORD_EXACT; /* they are names all the same */
    }
    return row;
}

typedef struct ft__facts_entry {
    uint16_t row;
    bool opposite;
} ft__facts_entry;

struct ft__facts_lexicon {
    ft__arena arena;
    ft__interner exact, stems;
    ft__facts_entry *entries[2]; /* of each of them */
};

static void ft__lexicon_add(ft__facts_lexicon *x, size_t row, bool opposite, ft__view word,
                            ft__buf *stem) {
    bool exact = (ft__facts_row_at(row).flags & FT__WORD_EXACT) != 0;
    ft__interner *in = exact ? &x->exact : &x->stems;
    if (!exact) {
        stem->len = 0;
        ft__porter_stem(word, FT__PORTER_NLTK, stem);
        word.text = stem->failed ? NULL : ft__arena_text(&x->arena, stem->data, stem->len);
        word.n = stem->len;
    }
    if (!word.text) return;
    size_t known = in->n, id = ft__interner_id(in, word);
    if (in->failed || id < known) return;
    x->entries[!exact][id].row = (uint16_t)row;
    x->entries[!exact][id].opposite = opposite;
}

FT__PRIV ft__facts_lexicon *ft__facts_lexicon_create(const ft_allocator *a) {
    ft__facts_lexicon *x = (ft__facts_lexicon *)ft__alloc_zero(a, 1, sizeof *x);
    ft__buf stem;
    size_t n_words = 0;
    bool ok;
    if (!x) return NULL;
    ft__arena_init(&x->arena, a);
    ft__interner_init(&x->exact, a);
    ft__interner_init(&x->stems, a);
    ft__buf_init(&stem, a);
    for (size_t row = 0; row < FT__FACTS_ROWS; row++)
        for (const char *p = ft__facts_row_at(row).words; *p; p++) n_words += p[1] == ' ' || !p[1];
    for (int i = 0; i < 2; i++)
        x->entries[i] = (ft__facts_entry *)ft__arena_alloc(&x->arena, n_words, sizeof **x->entries);
    ok = x->entries[0] && x->entries[1];
    for (size_t row = 0; ok && row < FT__FACTS_ROWS; row++) {
        const char *p = ft__facts_row_at(row).words, *end = p + strlen(p);
        bool opposite = false;
        for (ft__view word; ft__text_next_word(&p, end, &word);)
            if (word.text[0] == '|') opposite = true;
            else ft__lexicon_add(x, row, opposite, word, &stem);
    }
    ok = ok && !stem.failed && !x->arena.failed && !x->exact.failed && !x->stems.failed;
    ft__buf_free(&stem);
    if (ok) return x;
    ft__facts_lexicon_free(x);
    return NULL;
}

FT__PRIV void ft__facts_lexicon_free(ft__facts_lexicon *x) {
    if (!x) return;
    ft_allocator a = x->arena.allocator;
    ft__interner_free(&x->exact);
    ft__interner_free(&x->stems);
    ft__arena_free(&x->arena);
    ft__free(&a, x);
}

FT__PRIV uint32_t ft__facts_exact_flags(const ft__facts_lexicon *x, ft__view low) {
    uint32_t id;
    bool known = ft__interner_find(&x->exact, low, &id);
    return known ? ft__facts_row_at(x->entries[0][id].row).flags : 0;
}

/* ---- words and their classes */

FT__PRIV void ft__facts_words_init(ft__facts_words *w, const ft__facts_lexicon *lexicon,
                                   const ft_allocator *a) {
    memset(w, 0, sizeof *w);
    w->lexicon = lexicon;
    w->n_rows = FT__FACTS_ROWS;
    ft__arena_init(&w->arena, a);
    ft__interner_init(&w->surfaces, a);
    ft__interner_init(&w->keys, a);
    ft__buf_init(&w->low, a);
    ft__buf_init(&w->stem, a);
}

FT__PRIV void ft__facts_words_free(ft__facts_words *w) {
    ft_allocator a = w->arena.allocator;
    ft__free(&a, w->words);
    ft__buf_free(&w->low);
    ft__buf_free(&w->stem);
    ft__interner_free(&w->surfaces);
    ft__interner_free(&w->keys);
    ft__arena_free(&w->arena);
}

FT__PRIV size_t ft__facts_classes(const ft__facts_words *w) { return w->n_rows + w->keys.n; }

/* The number of a text in one of the two interners; the text is copied if it is new. */
static uint32_t ft__facts_intern(ft__facts_words *w, ft__interner *in, ft__view v) {
    uint32_t id;
    if (ft__interner_find(in, v, &id)) return id;
    v.text = ft__arena_text(&w->arena, v.text, v.n);
    if (!v.text) w->failed = true;
    id = v.text ? ft__interner_id(in, v) : 0;
    w->failed |= in->failed;
    return id;
}

FT__PRIV uint32_t ft__facts_key(ft__facts_words *w, ft__view v) {
    return (uint32_t)w->n_rows + ft__facts_intern(w, &w->keys, v);
}

/* Long words and those with other letters are their own stem. */
static ft__view ft__facts_stem(ft__facts_words *w, ft__view low) {
    bool plain = low.n < 40;
    for (size_t i = 0; plain && i < low.n; i++) plain = low.text[i] >= 'a' && low.text[i] <= 'z';
    if (!plain) return low;
    w->stem.len = 0;
    ft__buf_add(&w->stem, low.text, low.n);
    if (w->stem.failed) return low;
    low.n = ft__porter(w->stem.data, low.n, FT__PORTER_NLTK);
    low.text = w->stem.data;
    return low;
}

/* A word in lower case.  Its texts have no '#', with which the keys of facts begin. */
FT__PRIV uint32_t ft__facts_word_of(ft__facts_words *w, ft__view low) {
    const ft__facts_lexicon *x = w->lexicon;
    size_t known = w->surfaces.n;
    uint32_t id = ft__facts_intern(w, &w->surfaces, low), at;
    if (w->failed || id < known) return id;
    if (!ft__grow(&w->arena.allocator, (void **)&w->words, &w->cap, known + 1, sizeof *w->words)) {
        w->failed = true;
        return 0;
    }
    ft__facts_word *word = &w->words[id];
    memset(word, 0, sizeof *word);
    const ft__facts_entry *entry = NULL;
    if (ft__interner_find(&x->exact, low, &at)) {
        entry = &x->entries[0][at];
    } else {
        ft__view stem = ft__facts_stem(w, low);
        if (ft__interner_find(&x->stems, stem, &at)) entry = &x->entries[1][at];
        else word->class_id = ft__facts_key(w, stem);
    }
    if (!entry) return id;
    ft__facts_row row = ft__facts_row_at(entry->row);
    bool said = !(row.flags & FT__WORD_STOP) || (row.flags & FT__WORD_POLAR);
    word->class_id = said ? entry->row : FT__FACTS_NONE;
    word->flags = row.flags | (entry->opposite ? FT__WORD_OPPOSITE : 0);
    word->value = row.value;
    word->dim = row.dim;
    return id;
}
