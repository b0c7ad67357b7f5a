/* What the rooms of numbers share: numbers_read.c reads a text as a number, numbers.c finds the
   numbers in a text and writes them down, inspect.c compares by them. */
#ifndef FT__NUMBERS_H
#define FT__NUMBERS_H

#include "eval.h"

/* ---- numbers_read.c */

/* Scratch memory. */
typedef struct ft__numbers_reader {
    uint32_t *chars;
    size_t cap;
    ft__buf ascii; /* digits on their way to ft__number_parse */
    ft__buf word;  /* a word without currency signs and group marks */
    bool failed;
} ft__numbers_reader;
FT__PRIV void ft__numbers_init(ft__numbers_reader *x, const ft_allocator *a);
/* False: memory was short on the way. */
FT__PRIV bool ft__numbers_done(ft__numbers_reader *x);
/* What a text is worth as a whole; false: it is no number. */
FT__PRIV bool ft__numbers_parse(ft__numbers_reader *x, ft__view v, double *value);
/* The same for what Python's float() reads and that is finite. */
FT__PRIV bool ft__numbers_float(ft__numbers_reader *x, ft__view v, double *value);
/* A number has a digit, or a character beyond ASCII that may be one. */
FT__PRIV bool ft__numbers_may_be(ft__view v);
/* A decimal digit of any script, 0 to 9; or -1. */
FT__PRIV int ft__numbers_decimal_of(uint32_t c);

/* ---- numbers.c */

/* As "%.5g", whatever the locale. */
FT__PRIV void ft__numbers_write(double value, char out[16]);
/* Python's round(value, places) for values from 0 to 1. */
FT__PRIV double ft__numbers_round(double value, int places);
/* Without signs of currency and the like, and then without points that no digit follows. */
FT__PRIV void ft__numbers_clean(ft__view v, ft__buf *out);

typedef struct ft__numbers_found {
    double value;
    bool percent;
    ft__view word; /* as it stands in the output */
} ft__numbers_found;
/* The next word from *p on that is a number. */
FT__PRIV bool ft__numbers_next(ft__numbers_reader *x, const char **p, const char *end,
                               bool percents, ft__numbers_found *found);

enum { FT__NUMBERS_BEGIN, FT__NUMBERS_END, FT__NUMBERS_ANY, FT__NUMBERS_EXACT };
#define FT__NUMBERS_LOCATIONS {"begin", "end", "any", "exact"}
/* The number at the beginning or end of a text, or all of it. */
FT__PRIV bool ft__numbers_at(ft__numbers_reader *x, ft__view v, int location, bool percents,
                             ft__numbers_found *found);

#endif /* FT__NUMBERS_H */
