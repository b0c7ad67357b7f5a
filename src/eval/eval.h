/* Floor 5: judging one answer.  Regular expressions, rows, texts, and the registry of evaluators,
   which the public API offers (ft_evaluator_*, ft_row_*, ft_evaluate).  This floor sees the public
   API and JSON, never tensors. */
#ifndef FT__EVAL_H
#define FT__EVAL_H

#include "../io/json.h"

/* ---- regex: eval/regex.c.  Linear in the text; a compiled pattern never changes, any thread may
   use it. */
enum {
    FT__REGEX_IGNORE_CASE = 1,
    FT__REGEX_DOT_ALL = 2,   /* . is any character */
    FT__REGEX_MULTILINE = 4, /* ^ and $ at every line */
    FT__REGEX_WHOLE = 8      /* the match must be the whole text */
};
typedef struct ft__regex ft__regex;
FT__PRIV ft__regex *ft__regex_compile(const char *pattern, size_t n, unsigned flags,
                                      const ft_allocator *a, ft_error *err);
FT__PRIV void ft__regex_free(ft__regex *regex);
/* Takes scratch memory from the pattern's allocator; fails only without it. */
FT__PRIV ft_status ft__regex_search(const ft__regex *regex, const char *text, size_t n, bool *found,
                                    ft_error *err);

/* ---- row: eval/row.c */

struct ft_row {
    ft__arena arena;
    const ft__json *value; /* an object */
};
/* A field of the row; one that is null counts as absent: NULL. */
FT__PRIV const ft__json *ft__row_get(const ft_row *row, const char *field);

/* ---- text: eval/text.c.  Texts may hold NUL and invalid bytes. */

typedef struct ft__view {
    const char *text; /* never NULL */
    size_t n;
} ft__view;

/* Without white space (Python's) at both ends. */
FT__PRIV ft__view ft__text_strip(ft__view v);
/* Code points; an invalid byte counts as one. */
FT__PRIV size_t ft__text_chars(ft__view v);
/* What Python's split() gives. */
FT__PRIV size_t ft__text_words(ft__view v);
/* Is `part` in `whole`?  Takes linear time.  False: out of memory. */
FT__PRIV bool ft__text_contains(ft__view whole, ft__view part, const ft_allocator *a, bool *found);
/* The beginning of a text for messages: on one line, whole characters, "..." if it was cut. */
FT__PRIV const char *ft__text_excerpt(ft__view v, char out[64]);

/* The answer normalisation of SQuAD's evaluation script: lower case, no ASCII punctuation, no
   articles, single blanks.  Appended to `out`; look at out->failed. */
FT__PRIV void ft__squad_normalize(ft__view v, ft__buf *out);
/* A text's normalised tokens, sorted.  False: out of memory; free it in any case. */
typedef struct ft__squad {
    ft__buf text;     /* normalised; the tokens point into it */
    ft__view *tokens; /* (n_tokens) */
    size_t n_tokens;
} ft__squad;
FT__PRIV bool ft__squad_read(ft__squad *s, ft__view v, const ft_allocator *a);
FT__PRIV void ft__squad_free(ft__squad *s);
/* F1 of the two multisets; of two empty ones 1. */
FT__PRIV double ft__squad_f1(const ft__squad *x, const ft__squad *y);

#endif /* FT__EVAL_H */
