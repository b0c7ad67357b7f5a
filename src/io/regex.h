/* What the two rooms of regular expressions share: regex.c makes a program of a pattern,
   regex_match.c runs it. */
#ifndef FT__REGEX_H
#define FT__REGEX_H

#include "json.h"

enum {
    FT__REGEX_MAX_CODE = 20000, /* instructions: at most so many steps for a character */
    FT__REGEX_MAX_GROUPS = 100  /* whose places may be asked for, the whole match included */
};
#define FT__REGEX_NO_CHAR 0x7FFFFFFFu /* before the first and after the last character */

typedef enum ft__regex_op { /* the first five eat a character and go on at y */
    FT__REGEX_CHAR,         /* x: the character */
    FT__REGEX_FOLDED,       /* x: the character in any case, as ft__regex_fold gives it */
    FT__REGEX_ANY,          /* anything */
    FT__REGEX_LINE,         /* anything but a line feed */
    FT__REGEX_CLASS,        /* x: index of the class */
    FT__REGEX_ASSERT,       /* x: ft__regex_place; all from here on go on at the next */
    FT__REGEX_SAVE,         /* x: 2 * group for where it begins, 2 * group + 1 for its end */
    FT__REGEX_SPLIT,        /* x, y: go on at x, and if that leads to no match, at y */
    FT__REGEX_JUMP,         /* x */
    FT__REGEX_MATCH
} ft__regex_op;

typedef enum ft__regex_place {
    FT__REGEX_BEGIN_TEXT, FT__REGEX_END_TEXT, FT__REGEX_BEGIN_LINE, FT__REGEX_END_LINE,
    FT__REGEX_LAST_LINE_END, FT__REGEX_WORD_EDGE, FT__REGEX_NO_WORD_EDGE,
    FT__REGEX_ASCII_EDGE, FT__REGEX_NO_ASCII_EDGE
} ft__regex_place;

/* All that such places want to know of the character before. */
typedef enum ft__regex_kind {
    FT__REGEX_IS_NONE, FT__REGEX_IS_LINE_FEED, FT__REGEX_IS_ASCII_WORD, FT__REGEX_IS_WORD,
    FT__REGEX_IS_OTHER, FT__REGEX_N_KINDS
} ft__regex_kind;
enum { /* what of it this program wants to know */
    FT__REGEX_LOOKS_BEGIN = 1, FT__REGEX_LOOKS_LINE = 2, FT__REGEX_LOOKS_WORD = 4,
    FT__REGEX_LOOKS_ASCII = 8, FT__REGEX_LOOKS_LAST = 16 /* if a line feed is the last character */
};

typedef struct ft__regex_code {
    ft__regex_op op;
    uint32_t x, y;
} ft__regex_code;

/* Characters that have a name: those of `set`, without `less`, and `more`.  These are ranges, in
   order, and end with FT__BAD_UTF8; NULL: none. */
typedef struct ft__regex_property {
    const char *names; /* for \p: "Nd Decimal_Number" */
    const char *posix; /* for [:digit:] */
    uint32_t set;      /* FT__CLASS_BITs */
    const uint32_t *more, *less;
} ft__regex_property;

typedef struct ft__regex_item { /* part of a class: a range, or what has a property */
    uint32_t low, high;
    const ft__regex_property *property;
    bool negated; /* what has it not */
} ft__regex_item;

typedef struct ft__regex_class {
    size_t first, count; /* items */
    bool negated, any_case;
    uint32_t ascii[4];   /* the answers for U+0000..007F, a bit each */
} ft__regex_class;

/* Characters that no part of the program tells apart share a column of the automaton's table.
   Those of ASCII are known beforehand. */
enum { FT__REGEX_AT_END, FT__REGEX_LAST_LINE_FEED, FT__REGEX_FIRST_COLUMN };

struct ft__regex { /* never changes once compiled */
    ft_allocator allocator;
    ft__regex_code *code, *tests; /* tests: one of each that eats something */
    ft__regex_class *classes;
    ft__regex_item *items;
    size_t n_code, n_tests, n_classes, n_items, cap_code, cap_classes, cap_items;
    size_t n_groups;           /* the whole match included */
    unsigned looks;            /* FT__REGEX_LOOKS_... */
    bool anchored;             /* matches only at the beginning of the text */
    char prefix[16];           /* bytes that every match begins with */
    size_t n_prefix;
    bool skips[128];           /* characters that no match begins with, not even an empty one */
    uint8_t columns[128];      /* of a character */
    uint32_t column_char[130]; /* a character of the column */
    size_t n_columns;
};

FT__PRIV uint32_t ft__regex_fold(uint32_t c);
FT__PRIV bool ft__regex_class_find(const ft__regex *r, const ft__regex_class *k, uint32_t c);

static inline bool ft__regex_eats(const ft__regex *r, const ft__regex_code *code, uint32_t c) {
    switch (code->op) {
    case FT__REGEX_CHAR: return c == code->x;
    case FT__REGEX_FOLDED: return ft__regex_fold(c) == code->x;
    case FT__REGEX_ANY: return true;
    case FT__REGEX_LINE: return c != '\n';
    case FT__REGEX_CLASS: {
        const ft__regex_class *k = &r->classes[code->x];
        if (c < 0x80) return (k->ascii[c / 32] >> c % 32 & 1) != 0;
        return ft__regex_class_find(r, k, c);
    }
    default: return false;
    }
}

static inline bool ft__regex_is_ascii_word(uint32_t c) {
    return (c | 32) - 'a' < 26u || c - '0' < 10u || c == '_';
}

static inline ft__regex_kind ft__regex_kind_of(const ft__regex *r, uint32_t c) {
    unsigned looks = r->looks;
    if (c == FT__REGEX_NO_CHAR)
        return looks & FT__REGEX_LOOKS_BEGIN ? FT__REGEX_IS_NONE : FT__REGEX_IS_OTHER;
    if (c == '\n')
        return looks & FT__REGEX_LOOKS_LINE ? FT__REGEX_IS_LINE_FEED : FT__REGEX_IS_OTHER;
    if (!(looks & (FT__REGEX_LOOKS_WORD | FT__REGEX_LOOKS_ASCII))) return FT__REGEX_IS_OTHER;
    if (c < 0x80) return ft__regex_is_ascii_word(c) ? FT__REGEX_IS_ASCII_WORD : FT__REGEX_IS_OTHER;
    return looks & FT__REGEX_LOOKS_WORD && ft__is_word(c) ? FT__REGEX_IS_WORD : FT__REGEX_IS_OTHER;
}

#endif /* FT__REGEX_H */
