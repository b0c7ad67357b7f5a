/* What the rooms of facts share: facts_lexicon.c knows words, facts_read.c and facts_digits.c make
   items of characters, facts_quantity.c makes numbers and dates of items, facts.c sentences. */
#ifndef FT__FACTS_READ_H
#define FT__FACTS_READ_H

#include "facts.h"

enum { /* what numbers measure, beside nothing and years */
    FT__DIM_PERCENT = FT__DIM_OTHERS, FT__DIM_SECONDS, FT__DIM_MONTHS, FT__DIM_METRES,
    FT__DIM_GRAMS, FT__DIM_LITRES, FT__DIM_BYTES, FT__DIM_CLOCK, FT__DIM_ORDINAL, FT__DIM_CENT,
    FT__DIM_USD, FT__DIM_EUR, FT__DIM_GBP, FT__DIM_JPY, FT__DIM_INR, FT__DIM_CHF
};

/* ---- facts_lexicon.c */

/* The class of a key; those of facts begin with '#', which no word has. */
FT__PRIV uint32_t ft__facts_key(ft__facts_words *w, ft__view v);
/* The number of a word in lower case. */
FT__PRIV uint32_t ft__facts_word_of(ft__facts_words *w, ft__view low);
/* What the table says of a word that it has in this form, not as a stem; 0: it does not. */
FT__PRIV uint32_t ft__facts_exact_flags(const ft__facts_lexicon *x, ft__view low);

/* ---- facts_read.c */

enum { FT__ITEM_WORD, FT__ITEM_DIGITS, FT__ITEM_CLOCK, FT__ITEM_DATE, FT__ITEM_ID };

typedef struct ft__facts_item {
    size_t begin, end;
    int kind, dim;
    uint32_t word, flags; /* flags: of the word, and where it stands */
    uint32_t class_id;    /* of an id */
    double value;
    bool plain, ordinal;  /* only digits; 21st */
    int year, month, day; /* of a date; swap: day and month may be the other way round */
    bool swap;
} ft__facts_item;

typedef struct ft__facts_reader {
    ft__facts *out;
    ft__facts_words *words;
    const char *base, *end; /* the passage; where the sentence ends */
    ft__facts_item items[FT__FACTS_MAX];
    size_t n;
    uint32_t marks; /* what the next item will have before it */
    int currency;   /* of the next number */
    bool first, asks;
} ft__facts_reader;

FT__PRIV ft__facts_item *ft__facts_item_add(ft__facts_reader *r, int kind, const char *begin,
                                            const char *end);
/* Lower case, apostrophes as in ASCII, in w->low. */
FT__PRIV void ft__facts_lower(ft__facts_words *w, const char *p, const char *end);
/* The end of "A-1234", "v2.3.1", or NULL. */
FT__PRIV const char *ft__facts_code(const char *p, const char *end);
FT__PRIV void ft__facts_add_id(ft__facts_reader *r, const char *p, const char *end, bool address);
/* One item, or one character that is none. */
FT__PRIV const char *ft__facts_read(ft__facts_reader *r, const char *p);

/* facts_digits.c.  What begins with a digit. */
FT__PRIV const char *ft__facts_add_number(ft__facts_reader *r, const char *p);

/* ---- facts_quantity.c */

static inline ft__facts_item *ft__facts_at(ft__facts_reader *r, size_t i) {
    return i < r->n ? &r->items[i] : NULL;
}

static inline bool ft__facts_has(const ft__facts_item *item, uint32_t flags) {
    return item && item->kind == FT__ITEM_WORD && (item->flags & flags) != 0;
}
FT__PRIV bool ft__facts_is(const ft__facts_reader *r, const ft__facts_item *item,
                           const char *word);
FT__PRIV bool ft__facts_is_any(const ft__facts_reader *r, const ft__facts_item *item,
                               const char *const *words, size_t n);
/* A new fact; NULL: out of memory. */
FT__PRIV ft__fact *ft__facts_emit(ft__facts_reader *r, int kind, size_t begin, size_t end,
                                  uint32_t clause);
FT__PRIV void ft__facts_emit_word(ft__facts_reader *r, const ft__facts_item *item, uint32_t flags,
                                  uint32_t clause);
/* A date made of words, or a number, that begins with item i: how many items; 0: none. */
FT__PRIV size_t ft__facts_read_date(ft__facts_reader *r, size_t i, uint32_t clause);
FT__PRIV size_t ft__facts_read_number(ft__facts_reader *r, size_t i, uint32_t clause);

/* facts.c.  Makes a sentence of the items at hand. */
FT__PRIV void ft__facts_flush(ft__facts_reader *r);

#endif /* FT__FACTS_READ_H */
