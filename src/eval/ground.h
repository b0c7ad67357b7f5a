/* What the rooms of grounding share: ground_index.c reads evidence and finds words in it,
   ground_claims.c cuts texts into claims, ground_judge.c holds a claim against the evidence, with
   ground_hard.c for its numbers, dates and names and ground_polarity.c for its negations.  ground.c
   adds claims up; retrieval.c, relevancy.c and citations.c are the other evaluators. */
#ifndef FT__GROUND_H
#define FT__GROUND_H

#include "facts.h"

#define FT__GROUND_ENOUGH 0.5    /* support of a claim that counts as supported */
enum { FT__GROUND_RIVALS = 16 }; /* sentences looked at for who a fact belongs to */

/* ---- ground_index.c: evidence, which is a text with an index */

typedef struct ft__ground_range {
    size_t from, to; /* sentences */
} ft__ground_range;

typedef struct ft__ground_same {
    uint64_t hash;
    size_t sentence;
} ft__ground_same;

typedef struct ft__ground {
    ft__facts text;
    size_t *starts;             /* (n_classes + 1) into posts */
    uint32_t *posts;            /* the sentences of each class, ascending */
    ft__ground_same *same;      /* (n_sentences) by hash */
    ft__ground_range *passages; /* (text.n_passages) */
    size_t n_classes;
    /* for the claim at hand; all 0 between claims */
    uint64_t *masks;   /* (n_sentences) which of its words a sentence has */
    uint8_t *bits;     /* (n_classes) 1 + which of its words a class is */
    uint32_t *touched; /* sentences that have any */
    size_t n_touched;
} ft__ground;

/* Where to look: ranges of sentences; and sentences whose words need no support. */
typedef struct ft__ground_scope {
    const ft__ground_range *ranges;
    size_t n;
    ft__ground_range given;
} ft__ground_scope;

/* Once all texts are read, so that all classes are known.  False: out of memory. */
FT__PRIV bool ft__ground_index(ft__ground *g);
FT__PRIV void ft__ground_free(ft__ground *g);
/* The first place in the class's sentences that is `sentence` or later. */
FT__PRIV size_t ft__ground_find(const ft__ground *g, uint32_t class_id, size_t sentence);
/* Does one of these sentences have the class? */
FT__PRIV bool ft__ground_in(const ft__ground *g, uint32_t class_id, size_t from, size_t to);
FT__PRIV bool ft__ground_in_scope(const ft__ground *g, uint32_t class_id,
                                  const ft__ground_scope *scope);
static inline bool ft__ground_same_passage(const ft__ground *g, size_t a, size_t b) {
    return b < g->text.n_sentences && g->text.sentences[a].passage == g->text.sentences[b].passage;
}

/* What an evaluation needs: the words, the evidence, and the text to be judged. */
typedef struct ft__ground_work {
    ft__facts_words words;
    ft__ground g;
    ft__facts text;
} ft__ground_work;
FT__PRIV void ft__ground_begin(ft__ground_work *w, const ft_evaluator *e);
/* Frees all; false: out of memory. */
FT__PRIV bool ft__ground_end(ft__ground_work *w, bool ok);
/* A passage: a text, or an object with one. */
FT__PRIV ft__view ft__ground_passage(const ft__json *value);
/* Adds the passages of a context, or of the row's; false, with an error in the score, if it is
   none. */
FT__PRIV bool ft__ground_read(const ft__json *context, ft__facts *t, ft_score *score);
FT__PRIV bool ft__ground_context(const ft_row *row, ft__facts *t, ft_score *score);
FT__PRIV ft__ground_scope ft__ground_everywhere(const ft__ground *g, ft__ground_range *all);

/* ---- ground_claims.c */

typedef struct ft__ground_claim {
    const ft__facts *text;
    const ft__facts_sentence *sentence;
    uint32_t from, to; /* clauses */
    size_t begin, end; /* bytes */
    double weight;     /* words of content and hard facts */
} ft__ground_claim;

typedef struct ft__ground_claims {
    const ft__facts *text;
    size_t next, end; /* sentences */
    uint32_t clause; /* of the sentence before it, if that has more claims */
    bool plain;      /* capital letters mean nothing here */
} ft__ground_claims;

static inline bool ft__ground_content(const ft__facts_token *token) {
    return !(token->flags & (FT__WORD_STOP | FT__WORD_QUIET)) && token->class_id != FT__FACTS_NONE;
}

/* Does the sentence admit not to know? */
FT__PRIV bool ft__ground_admits(const ft__facts *t, const ft__facts_sentence *s);
FT__PRIV void ft__ground_claims_of(ft__ground_claims *walk, const ft__facts *t, ft__view text);
/* The next claim, perhaps of weight 0; false at the end. */
FT__PRIV bool ft__ground_next(ft__ground_claims *walk, ft__ground_claim *claim);
/* Is token `at` of the sentence a name? */
FT__PRIV bool ft__ground_is_name(const ft__ground_claims *walk, const ft__facts_sentence *s,
                                 size_t at);

/* ---- ground_judge.c */

typedef struct ft__ground_verdict {
    double support, coverage, weight; /* weight 0: claims nothing */
    bool wrong; /* a hard fact or the polarity; not just words that are missing */
    size_t n_hard, n_bad;
    const char *what;
    size_t begin, end;
} ft__ground_verdict;

/* Gives the score, if there is one, a span for what is not supported. */
FT__PRIV void ft__ground_judge(ft__ground *g, const ft__ground_scope *scope,
                               const ft__ground_claims *walk, const ft__ground_claim *claim,
                               ft_score *score, ft__ground_verdict *v);

/* The claim at hand. */
typedef struct ft__ground_window {
    size_t at, n;
} ft__ground_window;

enum { FT__GROUND_WINDOWS = 8 };

typedef struct ft__ground_case {
    ft__ground *g;
    const ft__ground_scope *scope;
    const ft__ground_claims *walk;
    const ft__ground_claim *claim;
    uint32_t classes[FT__FACTS_MAX];
    size_t n;                                      /* classes of the claim */
    uint64_t opposite;                             /* which of them it means as the opposite */
    ft__ground_window windows[FT__GROUND_WINDOWS]; /* the best ones */
    size_t n_windows;
    size_t covered;
    ft_score *score;                       /* takes spans; or NULL */
    size_t n_hard, n_bad, n_facts, n_near; /* facts: without names */
    double hard;
    const char *what;  /* the first thing wrong */
    size_t begin, end; /* and where it is */
} ft__ground_case;

static inline size_t ft__ground_count(uint64_t mask) { return (size_t)__builtin_popcountll(mask); }

static inline bool ft__ground_of_claim(const ft__ground_case *c, uint32_t clause) {
    return clause >= c->claim->from && clause < c->claim->to;
}

static inline uint64_t ft__ground_own(const ft__ground_case *c, uint32_t class_id) {
    uint8_t bit = class_id == FT__FACTS_NONE ? 0 : c->g->bits[class_id];
    return bit ? (uint64_t)1 << (bit - 1) : 0;
}

/* Notes something wrong. */
FT__PRIV void ft__ground_bad(ft__ground_case *c, const char *what, size_t begin, size_t end);
/* In or next to one of the windows? */
FT__PRIV bool ft__ground_near(const ft__ground_case *c, uint32_t class_id);
/* The claim's words in a clause of the evidence, without those that are there as their opposite. */
FT__PRIV uint64_t ft__ground_clause(const ft__ground_case *c, const ft__facts_sentence *s,
                                    uint32_t clause);
/* ground_hard.c.  Look up the claim's numbers, dates and ids, and its names. */
FT__PRIV void ft__ground_check_facts(ft__ground_case *c);
FT__PRIV void ft__ground_check_names(ft__ground_case *c);
/* ground_polarity.c.  Do claim and evidence agree in negations and opposites? */
FT__PRIV bool ft__ground_polarity(const ft__ground_case *c);

/* ---- ground.c: a text against evidence */

typedef struct ft__ground_sum {
    double weight, support;
    size_t n_claims, n_supported, n_sentences, n_bad_sentences, n_hard, n_bad;
    const char *what; /* the first thing wrong, and where */
    size_t begin, end;
    bool admits, blank; /* blank: there is not a word */
} ft__ground_sum;

/* Judges the claims of the first `n` sentences, or of all. */
FT__PRIV void ft__ground_add(ft__ground *g, const ft__ground_scope *scope, const ft__facts *text,
                             size_t n, ft__view view, ft_score *score, ft__ground_sum *sum);
FT__PRIV double ft__ground_share(const ft__ground_sum *sum);
/* "1 of 3 claims is not supported; number "45"" */
FT__PRIV void ft__ground_detail(const ft__ground_sum *sum, ft__view text, ft_score *score);
/* The lexicon is the state of all these evaluators. */
FT__PRIV ft_status ft__ground_prepare(ft_evaluator *e, ft_error *err);
FT__PRIV void ft__ground_release(ft_evaluator *e);

#endif /* FT__GROUND_H */
