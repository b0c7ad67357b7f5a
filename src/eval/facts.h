/* Texts as sentences of words and hard facts, made comparable: what facts.c gives to the rooms that
   ask whether one text supports another.  What its own rooms share is in facts_read.h. */
#ifndef FT__FACTS_H
#define FT__FACTS_H

#include "eval.h"

enum { /* what a word is; the first ones by the table of words, the last ones where it stands */
    FT__WORD_STOP = 1 << 0,     /* no content */
    FT__WORD_KNOWN = 1 << 1,    /* in the table, so no name */
    FT__WORD_NOT = 1 << 2,      /* turns its clause round */
    FT__WORD_VERB = 1 << 3,     /* "is", "may" */
    FT__WORD_SUBJECT = 1 << 4,  /* "he", "we" */
    FT__WORD_REFERS = 1 << 5,   /* "it", "their": to what was said before */
    FT__WORD_CLAUSE = 1 << 6,   /* begins a clause: "but", "because" */
    FT__WORD_AND = 1 << 7,
    FT__WORD_ABOUT = 1 << 8,    /* the number after it is not exact */
    FT__WORD_POLAR = 1 << 9,    /* has an opposite in its class */
    FT__WORD_OPPOSITE = 1 << 10, /* is it */
    FT__WORD_UNTIL = 1 << 11,   /* makes "not" of the clause before it uncertain */
    FT__WORD_EXCEPT = 1 << 12,
    FT__WORD_NUMBER = 1 << 13,
    FT__WORD_SCALE = 1 << 14,   /* "hundred", "million" */
    FT__WORD_SOFT = 1 << 15,    /* a number that need not be meant as one: "both" */
    FT__WORD_UNIT = 1 << 16,
    FT__WORD_MONTH = 1 << 17,
    FT__WORD_DAY = 1 << 18,     /* "Monday" */
    FT__WORD_FORBIDS = 1 << 19, /* with OPPOSITE: "not" and a verb in one */
    FT__WORD_ASKS = 1 << 20,    /* "who", "where" */
    FT__WORD_EXACT = 1 << 21,   /* this form of the word, not its stem */
    FT__WORD_NAME = 1 << 22,    /* was seen with a capital letter inside a sentence */
    FT__WORD_QUIET = 1 << 23,   /* may support, need not be supported: the unit of a number */
    FT__WORD_CAPITAL = 1 << 24,
    FT__WORD_UPPER = 1 << 25,   /* all of it */
    FT__WORD_FIRST = 1 << 26,   /* where every word has a capital letter */
    FT__WORD_COMMA = 1 << 27,   /* a comma before it */
    FT__WORD_BREAK = 1 << 28,   /* a colon, semicolon, bracket, dash or line end before it */
    FT__WORD_PARTED = FT__WORD_COMMA | FT__WORD_BREAK,
    FT__WORD_GLUED = 1 << 29,   /* nothing between it and the one before */
    FT__WORD_DENIED = 1 << 30   /* what a negation is about: the next word of content, or two */
};
enum { FT__FACT_NUMBER, FT__FACT_DATE, FT__FACT_ID };
enum { FT__DIM_NONE, FT__DIM_YEAR, FT__DIM_OTHERS }; /* what a number measures */
#define FT__FACTS_MAX 64          /* words in a sentence; what is longer is cut */
#define FT__FACTS_NONE UINT32_MAX /* a word of no class */

typedef struct ft__facts_lexicon ft__facts_lexicon; /* never changes; any thread may use it */
/* NULL: out of memory. */
FT__PRIV ft__facts_lexicon *ft__facts_lexicon_create(const ft_allocator *a);
FT__PRIV void ft__facts_lexicon_free(ft__facts_lexicon *lexicon);

/* A word as it is known: words of one class mean the same. */
typedef struct ft__facts_word {
    uint32_t class_id, flags;
    double value; /* of a number; of a unit: how many of its base unit */
    int dim;
} ft__facts_word;

/* What texts have in common that are to be compared. */
typedef struct ft__facts_words {
    const ft__facts_lexicon *lexicon;
    ft__arena arena;
    ft__interner surfaces, keys; /* words in lower case; stems and facts */
    ft__facts_word *words;       /* (surfaces.n) */
    size_t cap, n_rows;          /* classes: those of the table, then keys */
    ft__buf low, stem;           /* scratch */
    bool failed;
} ft__facts_words;
FT__PRIV void ft__facts_words_init(ft__facts_words *w, const ft__facts_lexicon *lexicon,
                                   const ft_allocator *a);
FT__PRIV void ft__facts_words_free(ft__facts_words *w);
FT__PRIV size_t ft__facts_classes(const ft__facts_words *w); /* all are smaller */

typedef struct ft__facts_token {
    size_t begin, end; /* in its text */
    uint32_t word, class_id, flags, clause;
} ft__facts_token;

typedef struct ft__fact {
    size_t begin, end;
    int kind, dim;       /* dim: only like measures can contradict each other */
    double value;
    bool soft, about;
    uint32_t clause;
    uint32_t shows[4];   /* classes that it is evidence for */
    uint32_t accepts[3]; /* one of these supports it */
    uint32_t before, after; /* the nearest words of content */
} ft__fact;

typedef struct ft__facts_sentence {
    size_t begin, end;
    size_t token, n_tokens, fact, n_facts;
    size_t passage;
    uint64_t hash;             /* of all words and facts */
    uint64_t negated, unsure;  /* bits of clauses */
    uint32_t n_clauses;
    bool refers, asks;
} ft__facts_sentence;

typedef struct ft__facts {
    ft__facts_words *words;
    ft__facts_token *tokens;
    ft__fact *facts;
    ft__facts_sentence *sentences;
    size_t n_tokens, n_facts, n_sentences, n_passages;
    size_t cap_tokens, cap_facts, cap_sentences;
    bool failed;
} ft__facts;
FT__PRIV void ft__facts_init(ft__facts *t, ft__facts_words *words);
FT__PRIV void ft__facts_free(ft__facts *t);
/* Adds a passage.  Linear. */
FT__PRIV void ft__facts_add(ft__facts *t, ft__view text);
/* "source:", "Sources:" at the beginning: how long; 0: no. */
FT__PRIV size_t ft__facts_source(ft__view v);

#endif /* FT__FACTS_H */
