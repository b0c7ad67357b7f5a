/* Bare words, which the rooms of injections, word lists and leaks share.

   One is a run of letters, marks and digits, in lower case.  Apostrophes within and characters of
   no width are left out: "don't" is dont.  One of more than 56 bytes is its beginning and a hash of
   all of it. */
#ifndef FT__BAREWORDS_H
#define FT__BAREWORDS_H

#include "eval.h"

enum { FT__BAREWORD_SIZE = 64, FT__BAREWORD_TEXT = FT__BAREWORD_SIZE - 8 };

typedef struct ft__bareword {
    const char *begin, *end;
    const char *hidden; /* characters of no width between its ASCII letters, or NULL */
    size_t n;
    char low[FT__BAREWORD_SIZE];
    uint64_t hash;
} ft__bareword;
/* Reads the word that begins at p.  Its n is 0: none begins there. */
FT__PRIV void ft__bareword_read(const char *p, const char *end, ft__bareword *w);
/* The next word of a text, and *p past it; false at the end. */
FT__PRIV bool ft__bareword_next(const char **p, const char *end, ft__bareword *word);
/* Is it a character of no width? */
FT__PRIV bool ft__bareword_no_width(uint32_t c);

/* Numbers of words.  Most words of a text are told to have none by their first byte and length. */
typedef struct ft__barewords {
    ft__interner ids;
    uint32_t lengths[256]; /* by first byte: a bit for each length, the last for all above */
} ft__barewords;
FT__PRIV uint32_t ft__barewords_id(ft__barewords *words, ft__view v);
/* False: it has no number. */
FT__PRIV bool ft__barewords_find(const ft__barewords *words, const char *low, size_t n,
                                 uint32_t *id);

#endif /* FT__BAREWORDS_H */
