/* What the rooms of instruction following share: instruct_check.c has the checks, instruct_text.c
   what they ask Python and NLTK about a text, instruct.c the verdicts. */
#ifndef FT__INSTRUCT_H
#define FT__INSTRUCT_H

#include "eval.h"

typedef struct ft__instruct ft__instruct;

typedef struct ft__instruct_kind {
    const char *id;
    bool (*follows)(ft__instruct *c, ft__view text);
} ft__instruct_kind;

/* An instruction at work. */
struct ft__instruct {
    const ft__instruct_kind *kind;
    const ft__json *kwargs; /* an object or NULL */
    const ft_allocator *allocator;
    bool failed;       /* out of memory */
    char problem[120]; /* what is wrong with the instruction; "": nothing */
};

/* ---- instruct_check.c */

/* NULL: no instruction is called that. */
FT__PRIV const ft__instruct_kind *ft__instruct_find_kind(ft__view id);
/* Says in c->problem that an argument must be something else.  False. */
FT__PRIV bool ft__instruct_bad(ft__instruct *c, const char *key, const char *expected);
FT__PRIV bool ft__instruct_blank(ft__view v);
/* The pieces of a text between marks, as Python's split() has them. */
typedef struct ft__instruct_pieces {
    const char *p, *end, *mark; /* p NULL: no more */
} ft__instruct_pieces;
FT__PRIV bool ft__instruct_next(ft__instruct_pieces *s, ft__view *piece);

/* ---- instruct_text.c */

/* isupper() with 'A', islower() with 'a'. */
FT__PRIV bool ft__instruct_all(ft__view v, int wanted);
/* How many of NLTK's tokens are in capitals. */
FT__PRIV size_t ft__instruct_capitals(ft__view text);
/* Does json.loads() read it?  `open` holds the brackets that are open; look at open->failed. */
FT__PRIV bool ft__instruct_json_valid(const char *p, const char *end, ft__buf *open);

#endif /* FT__INSTRUCT_H */
