/* Floor 5: judging one answer.  Rows, texts, and two registries that the public
   API offers: evaluators (ft_evaluator_*, ft_evaluate), which judge an output against a row, and
   metrics (ft_metric), the bare formulas.  A room has its rows of both.  This floor sees the public
   API and JSON, never tensors. */
#ifndef FT__EVAL_H
#define FT__EVAL_H

#include "../io/json.h"

/* ---- row: eval/row.c */

struct ft_row {
    ft__arena arena;
    const ft__json *value;   /* an object */
    const ft_output *output; /* while it is judged, beside the text: likelihoods */
};
/* A field of the row; one that is null counts as absent: NULL. */
FT__PRIV const ft__json *ft__row_get(const ft_row *row, const char *field);

/* ---- text: eval/text.c.  Texts may hold NUL and invalid bytes. */

FT__PRIV ft__view ft__buf_view(const ft__buf *b); /* as long as the buffer does not change */
FT__PRIV ft__view ft__buf_keep(const ft__buf *b, ft__arena *arena); /* .text NULL: out of memory */
FT__PRIV bool ft__text_is(ft__view v, const char *text);
FT__PRIV int ft__text_compare(ft__view a, ft__view b); /* by bytes; what is shorter comes first */
/* Without white space (Python's) at both ends. */
FT__PRIV ft__view ft__text_strip(ft__view v);
/* Code points; an invalid byte counts as one. */
FT__PRIV size_t ft__text_chars(ft__view v);
/* What Python's split() gives. */
FT__PRIV size_t ft__text_words(ft__view v);
/* Writes the next word of Python's split() and moves *p past it; false at the end. */
FT__PRIV bool ft__text_next_word(const char **p, const char *end, ft__view *word);
/* Does a text that follows another want a blank between them?  Not where one of them has white space there,
   or is empty. */
FT__PRIV bool ft__text_needs_blank(ft__view before, ft__view after);
/* Is `part` in `whole`?  Takes linear time.  False: out of memory. */
FT__PRIV bool ft__text_contains(ft__view whole, ft__view part, const ft_allocator *a, bool *found);
/* The beginning of a text for messages: on one line, whole characters, "..." if it was cut. */
FT__PRIV const char *ft__text_excerpt(ft__view v, char out[64]);

/* One byte of ASCII; a word has letters, digits and '_'. */
static inline bool ft__ascii_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool ft__ascii_upper(char c) { return c >= 'A' && c <= 'Z'; }
static inline bool ft__ascii_letter(char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }
static inline bool ft__ascii_alnum(char c) { return ft__ascii_digit(c) || ft__ascii_letter(c); }
static inline bool ft__ascii_word(char c) { return ft__ascii_alnum(c) || c == '_'; }
static inline bool ft__ascii_hex(char c) {
    return ft__ascii_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f');
}
static inline int ft__ascii_hex_value(char c) { /* of a hexadecimal digit */
    return ft__ascii_digit(c) ? c - '0' : (c | 32) - 'a' + 10;
}
static inline char ft__ascii_lower(char c) { return ft__ascii_upper(c) ? (char)(c + 32) : c; }
/* Is this text of lower case at p, or somewhere in a short text, whatever the case there? */
FT__PRIV bool ft__ascii_begins(const char *p, const char *end, const char *low);
FT__PRIV bool ft__ascii_has(ft__view v, const char *low);

/* Texts as numbers: equal ones get the same, 0, 1, 2 ... in the order of their first appearance.  The
   views have to stay.  Constant time each; after a failed allocation all are 0 and `failed` is set. */
typedef struct ft__interner {
    ft_allocator allocator;
    ft__view *texts;
    uint32_t *slots;
    size_t n, cap, n_slots;
    bool failed;
} ft__interner;
FT__PRIV void ft__interner_init(ft__interner *v, const ft_allocator *a);
FT__PRIV void ft__interner_free(ft__interner *v);
FT__PRIV uint32_t ft__interner_id(ft__interner *v, ft__view text);
/* False: it has no number. */
FT__PRIV bool ft__interner_find(const ft__interner *v, ft__view text, uint32_t *id);

/* Python's str.casefold(): full case folding, for comparing without regard to case.  Invalid bytes
   stay as they are. */
FT__PRIV void ft__casefold(const char *text, size_t n, ft__buf *out);

/* The answer normalisation of SQuAD's evaluation script: lower case, no ASCII punctuation, no
   articles, single blanks.  Appended to `out`; look at out->failed. */
FT__PRIV void ft__squad_normalize(ft__view v, ft__buf *out);
FT__PRIV void ft__squad_normalize_to(ft__view v, bool keep_articles, ft__buf *out);
/* A text in its normal form and how often each of its words is there.  False: out of memory; free it
   in any case.  Who has another normal form does it in three steps: init, fill text, count. */
typedef struct ft__squad {
    ft__buf text;       /* words with single blanks between them */
    ft__interner words; /* the different ones; they point into the text */
    size_t *counts;     /* (words.n) */
    size_t n_tokens, cap;
} ft__squad;
FT__PRIV bool ft__squad_read(ft__squad *s, ft__view v, const ft_allocator *a);
FT__PRIV void ft__squad_init(ft__squad *s, const ft_allocator *a);
FT__PRIV bool ft__squad_count(ft__squad *s);
FT__PRIV void ft__squad_free(ft__squad *s);
/* How many words they share: each as often as both have it, or (once) each once. */
FT__PRIV size_t ft__squad_shared(const ft__squad *x, const ft__squad *y, bool once);
/* F1 of the two multisets; of two empty ones 1. */
FT__PRIV double ft__squad_f1(const ft__squad *x, const ft__squad *y);

/* ---- evaluators: eval/evaluator.c is the registry; each room gives a table of rows. */

typedef struct ft__evaluator_kind {
    ft_evaluator_info info;
    int which; /* tells rows apart that share their functions */
    /* Reads parameters (their names and types are checked by then) into e->state, which is taken
       from e->arena.  NULL: there is nothing to read. */
    ft_status (*prepare)(ft_evaluator *e, ft_error *err);
    /* Gives a value, or an error (ft__score_error), and a detail.  *score is zeroed before.  Runs on
       several threads at a time: scratch memory comes from e->arena.allocator, never from the arena.
       False: out of memory. */
    bool (*score)(const ft_evaluator *e, const ft_row *row, ft__view output, ft_score *score);
    void (*release)(ft_evaluator *e); /* what the arena does not hold; NULL: nothing */
} ft__evaluator_kind;

struct ft_evaluator {
    const ft__evaluator_kind *kind;
    ft__arena arena;
    const ft__json *given, *defaults; /* parameters: the caller's (or NULL), and all there are */
    double threshold;
    bool alone;                       /* wants the choices after an empty prompt, too */
    void *state;                      /* the room's */
};

/* The rooms that have any, in the order of the registry. */
#define FT__EVALUATOR_ROOMS(X) X(match) X(numbers) X(inspect) X(style) X(edit) X(bleu)        \
    X(chrf) X(ter) X(rouge) X(meteor) X(nist) X(structure) X(schema) X(markup) X(toolcall)    \
    X(trajectory) X(instruct) X(language) X(refusal) X(pii) X(secrets) X(injection)       \
    X(wordlist) X(leak) X(ground) X(retrieval) X(relevancy) X(citations) X(likelihood)    \
    X(judge) X(custom) X(classify) X(rank)
#define FT__EVALUATOR_ROOM(room) \
    FT__PRIV const ft__evaluator_kind *ft__##room##_evaluators(size_t *n);
FT__EVALUATOR_ROOMS(FT__EVALUATOR_ROOM)
#undef FT__EVALUATOR_ROOM

/* Parameters: the value given, or else the default. */
FT__PRIV const ft__json *ft__param(const ft_evaluator *e, const char *name);
FT__PRIV bool ft__param_flag(const ft_evaluator *e, const char *name);
/* One of a few words, as its index; null, where that is the default, is -1. */
FT__PRIV ft_status ft__param_choice(const ft_evaluator *e, const char *name,
                                    const char *const *words, size_t n_words, int *index,
                                    ft_error *err);
FT__PRIV ft_status ft__param_number(const ft_evaluator *e, const char *name, double lowest,
                                    double highest, bool whole, double *value, ft_error *err);
/* NAME: parameter "mode" must be EXPECTED; found "some" */
FT__PRIV ft_status ft__param_bad(const ft_evaluator *e, const char *name, const char *expected,
                                 ft_error *err);

/* Scores. */
FT__PRIV void ft__score_detail(ft_score *score, const char *fmt, ...) FT__PRINTF(2, 3);
/* The state FT_SCORE_ERROR with its reason.  True, which is what a scoring function then returns. */
FT__PRIV bool ft__score_error(ft_score *score, const char *fmt, ...) FT__PRINTF(2, 3);
/* Part of the output, in bytes; `what` is a constant.  Counted even where there is no more room. */
FT__PRIV void ft__score_span(ft_score *score, size_t begin, size_t end, const char *what);
/* The detail "2 EMAIL, 1 PHONE"; nothing if all counts are 0. */
FT__PRIV void ft__score_counts(ft_score *score, const char *const *names, const size_t *counts,
                               size_t n);

/* Values of rows and parameters as text.  A string as it is, a number as it is written, true and
   false; .text is NULL if the value (which may be NULL) is none of these. */
FT__PRIV ft__view ft__json_as_text(const ft__json *value);
FT__PRIV ft__view ft__json_view(const ft__json *string); /* of a string or number; .text never NULL */
FT__PRIV ft__view ft__json_key_view(const ft__json *member); /* .text never NULL */
/* A value for messages: the beginning of a "string" or number, or else what it is. */
FT__PRIV const char *ft__json_excerpt(const ft__json *value, char out[66]);
/* A field of the row that has to be there as text: false with an error in the score if not. */
FT__PRIV bool ft__row_text(const ft_row *row, const char *field, ft__view *text, ft_score *score);

/* Appends the texts of a row's field: a text, or a list of texts or of messages (of the given role;
   NULL: any), with an empty line between them.  False: there is none, or it is something else. */
FT__PRIV bool ft__row_collect(const ft_row *row, const char *field, const char *role,
                              ft__buf *out);
/* Bits of the names (31 at most) that are in a list; of NULL and null all of them.  False: it has
   another name, or is something else. */
FT__PRIV bool ft__json_choices(const ft__json *list, const char *const *names, size_t n,
                               unsigned *chosen);

/* Walks the texts to compare with: those of a parameter, or the row's "expected" and each of its
   "references". */
typedef struct ft__answers {
    const ft__json *one, *list;
    size_t n;
} ft__answers;
FT__PRIV void ft__answers_set(ft__answers *answers, const ft__json *one, const ft__json *list);
/* The row's.  False, with an error in the score, unless they are texts and there is at least one. */
FT__PRIV bool ft__answers_find(ft__answers *answers, const ft_row *row, ft_score *score);
FT__PRIV const ft__json *ft__answers_next(ft__answers *answers); /* NULL: no more */

/* ---- metrics: eval/metric.c is the registry; each room gives a table of rows. */

typedef struct ft__metric_call {
    const char *name;
    int which;
    const ft__json *params, *input; /* objects; params may be NULL */
    ft__arena *arena;               /* scratch, until the call returns */
    ft__json_writer *out;           /* exactly one value goes here */
    ft_error *err;
} ft__metric_call;

typedef struct ft__metric_kind {
    const char *name;
    int which; /* tells rows apart that share their function */
    ft_status (*run)(const ft__metric_call *call);
} ft__metric_kind;

#define FT__METRIC_ROOMS(X) X(match) X(numbers) X(inspect) X(edit) X(mt_tokens) X(bleu)      \
    X(chrf) X(ter) X(porter) X(rouge) X(meteor) X(nist) X(schema) X(bfcl) X(instruct) X(pii) \
    X(classify) X(agree) X(calibrate) X(rank)
#define FT__METRIC_ROOM(room) FT__PRIV const ft__metric_kind *ft__##room##_metrics(size_t *n);
FT__METRIC_ROOMS(FT__METRIC_ROOM)
#undef FT__METRIC_ROOM

/* The input's field: FT_ERR_DATA if it is not there or of another type. */
FT__PRIV ft_status ft__metric_input(const ft__metric_call *call, const char *field,
                                    ft__json_type type, const ft__json **value);
FT__PRIV ft_status ft__metric_text(const ft__metric_call *call, const char *field, ft__view *text);
/* A list of strings, in the call's arena. */
FT__PRIV ft_status ft__metric_texts(const ft__metric_call *call, const char *field,
                                    ft__view **texts, size_t *n);
/* The same from a value that was found on the way; `what` names it in errors. */
FT__PRIV ft_status ft__metric_read_texts(const ft__metric_call *call, const ft__json *list,
                                         const char *what, ft__view **texts, size_t *n);
/* A list of numbers (true is 1, false is 0), in the call's arena. */
FT__PRIV ft_status ft__metric_numbers(const ft__metric_call *call, const char *field,
                                      double **numbers, size_t *n);
/* Parameters with their defaults; another type is FT_ERR_ARGUMENT. */
FT__PRIV ft_status ft__metric_flag(const ft__metric_call *call, const char *param, bool *value);
FT__PRIV ft_status ft__metric_param(const ft__metric_call *call, const char *param, double lowest,
                                    double highest, double *value);
FT__PRIV ft_status ft__metric_word(const ft__metric_call *call, const char *param,
                                   const char *const *words, size_t n_words, int *index);
FT__PRIV ft_status ft__metric_fail(const ft__metric_call *call, const char *fmt, ...)
    FT__PRINTF(2, 3);
/* A number, or "nan", "inf", "-inf" as a string.  key NULL: no key. */
FT__PRIV void ft__metric_number(ft__json_writer *w, const char *key, double value);

/* ---- edit: distances between sequences of symbols (code points, numbers of words), 64 cells of the
   table at a time; time n * m / 64, less where the two are alike, and linear memory.  False: out of
   memory.  Texts of the user are refused above FT__EDIT_MAX_CELLS; ft__edit_fits tells. */
#define FT__EDIT_MAX_CELLS ((uint64_t)1 << 37)
FT__PRIV bool ft__edit_fits(size_t n, size_t m);
FT__PRIV bool ft__edit_levenshtein(const uint32_t *a, size_t n, const uint32_t *b, size_t m,
                                   const ft_allocator *allocator, size_t *distance);
/* The length of the longest common subsequence. */
FT__PRIV bool ft__edit_lcs(const uint32_t *a, size_t n, const uint32_t *b, size_t m,
                           const ft_allocator *allocator, size_t *length);

/* ---- mt_tokens (tokenizers of machine translation) */

typedef enum ft__mt_tokenizer {
    FT__MT_NONE, FT__MT_CHAR, FT__MT_13A, FT__MT_INTL,
    FT__MT_CHRF /* the words of chrF++ */
} ft__mt_tokenizer;
#define FT__MT_TOKENIZERS {"none", "char", "13a", "intl"} /* sacreBLEU's names of the first four */
/* The parameters of the TER tokenizer, and their bits. */
#define FT__TER_FLAGS {"normalized", "no_punct", "asian_support", "case_sensitive"}
enum { FT__TER_NORMALIZED = 1, FT__TER_NO_PUNCT = 2, FT__TER_ASIAN = 4, FT__TER_CASE = 8 };
FT__PRIV ft_status ft__ter_flags(const ft__metric_call *call, unsigned *flags);

/* Texts as lists of token numbers; equal tokens have the same, from 1 on.  The texts have to stay.
   Failed allocations show in ft__mt_ok. */
typedef struct ft__mt_texts {
    ft__arena arena;     /* texts that had to be changed */
    ft__interner words;  /* texts[id - 1] is the token */
    uint32_t ascii[128]; /* numbers of tokens of one byte; 0: not known yet */
    uint32_t *ids;       /* of all texts, one after the other */
    size_t n_ids, cap_ids;
    size_t *ends;        /* (n) where each text ends in ids */
    size_t n, cap;
    bool failed;
} ft__mt_texts;
FT__PRIV void ft__mt_init(ft__mt_texts *t, const ft_allocator *a);
FT__PRIV void ft__mt_free(ft__mt_texts *t);
FT__PRIV bool ft__mt_ok(const ft__mt_texts *t);
/* Each adds one text. */
FT__PRIV void ft__mt_add(ft__mt_texts *t, ft__view v, ft__mt_tokenizer tokenizer, bool lowercase);
FT__PRIV void ft__mt_add_ter(ft__mt_texts *t, ft__view v, unsigned flags);
FT__PRIV void ft__mt_add_ter_reference(ft__mt_texts *t, ft__view v, unsigned flags);
FT__PRIV void ft__mt_add_chars(ft__mt_texts *t, ft__view v, bool white_space);
FT__PRIV const uint32_t *ft__mt_ids(const ft__mt_texts *t, size_t index, size_t *n);
FT__PRIV ft__view ft__mt_lower(ft__mt_texts *t, ft__view v);
/* overlap[n - 1]: over all n-grams of text 0, how often each is there, at most as often as in that one
   of the texts first, first + 1, ... (n_refs) that has it most often.  False: out of memory. */
FT__PRIV bool ft__mt_overlap(const ft__mt_texts *t, size_t first, size_t n_refs, int max_order,
                             uint64_t *overlap);
/* What the metrics of sacreBLEU compare: "prediction" with "references", or (corpus) each of the
   "predictions" with its list in "references". */
typedef struct ft__mt_segments {
    const ft__metric_call *call;
    const ft__json *outputs, *references;
    size_t left;
    ft__view output, *refs; /* of the segment at hand */
    size_t n_refs;          /* at least 1 */
} ft__mt_segments;
FT__PRIV ft_status ft__mt_segments_find(const ft__metric_call *call, bool corpus,
                                        ft__mt_segments *s);
FT__PRIV ft_status ft__mt_segments_next(ft__mt_segments *s); /* while s->left */

/* ---- porter */

typedef enum ft__porter_mode {
    FT__PORTER_NLTK, FT__PORTER_ORIGINAL, FT__PORTER_MARTIN
} ft__porter_mode;
/* Stems a word in lower case where it lies; returns its new length, which is never greater. */
FT__PRIV size_t ft__porter(char *word, size_t n, ft__porter_mode mode);
/* Appends the stem of a word in any case. */
FT__PRIV void ft__porter_stem(ft__view word, ft__porter_mode mode, ft__buf *out);

/* ---- nist: texts as lists of numbers, and their n-grams */

/* A list of numbers that grows; after a failed allocation it does not, and `failed` is set. */
typedef struct ft__tokens {
    ft_allocator allocator;
    uint32_t *ids;
    size_t n, cap;
    bool failed;
} ft__tokens;
FT__PRIV void ft__tokens_init(ft__tokens *t, const ft_allocator *a);
FT__PRIV void ft__tokens_free(ft__tokens *t);
FT__PRIV void ft__tokens_add(ft__tokens *t, uint32_t id);

/* N-grams as numbers, order by order, in place: ids[i] is the n-gram that begins at i.  Equal n-grams
   of one order get the same number, in the order of their first appearance. */
typedef struct ft__ngrams {
    ft_allocator allocator;
    uint64_t *keys; /* the (n-1)-gram in the high half, the last token in the low one */
    uint32_t *slots;
    size_t n, cap, n_slots;
    bool failed;
} ft__ngrams;
FT__PRIV void ft__ngrams_init(ft__ngrams *g, const ft_allocator *a);
FT__PRIV void ft__ngrams_free(ft__ngrams *g);
FT__PRIV void ft__ngrams_clear(ft__ngrams *g); /* before each order */
/* From order - 1 to `order` (2 or more): n_tokens - order + 1 numbers, none if it is longer. */
FT__PRIV void ft__ngrams_extend(ft__ngrams *g, uint32_t *ids, const uint32_t *tokens,
                                size_t n_tokens, size_t order);
/* The size of the intersection of two multisets.  counts (all 0 before and after) has room for every
   number in them. */
FT__PRIV size_t ft__ngrams_common(const uint32_t *x, size_t n_x, const uint32_t *y, size_t n_y,
                                  uint32_t *counts);

/* ---- meteor */

/* Words and punctuation marks of a text as numbers: a token is a run of letters, marks, digits and
   '_', or one other character that is no white space.  `fold`: in lower case, which then is kept in
   the arena; else they point into the text.  Look at words->failed and out->failed. */
FT__PRIV void ft__meteor_split(ft__view text, bool fold, ft__interner *words, ft__arena *low,
                               ft__tokens *out);

/* ---- extract: JSON values inside prose.  They look at the text from byte `from` on, allocate
   nothing, take linear time; false: there is none.  What they find is one whole value that
   ft__json_parse reads. */

/* The text itself if it is JSON, else the first value in a fence labelled json, else
   ft__extract_next. */
FT__PRIV bool ft__extract_json(ft__view text, size_t from, ft__view *found);
/* The first object or array, fenced or not. */
FT__PRIV bool ft__extract_next(ft__view text, size_t from, ft__view *found);

/* ---- structure */

/* The output as JSON, found in prose if `extract`.  *value NULL and the reason in the detail: there is
   none.  False: out of memory. */
FT__PRIV bool ft__structure_read(ft__view output, bool extract, ft__arena *arena, ft__json **value,
                                 ft_score *score);

/* ---- schema, schema_format */

/* A format of JSON Schema; `test` NULL: "regex", which is whatever ft__regex_compile takes. */
typedef struct ft__schema_format {
    const char *name;
    bool (*test)(ft__view text);
} ft__schema_format;
FT__PRIV const ft__schema_format *ft__schema_format_find(ft__view name); /* NULL: none that we test */
/* Appends the reference made absolute by the base (RFC 3986, 5.2). */
FT__PRIV void ft__uri_resolve(ft__view base, ft__view reference, ft__buf *out);

/* A compiled JSON Schema never changes; any thread may use it.  Numbers are compared exactly, whatever
   their length. */
enum { FT__DRAFT_7 = 1, FT__DRAFT_2019 = 2, FT__DRAFT_2020 = 4 };
typedef struct ft__schema ft__schema;
typedef struct ft__schema_document {
    const char *uri; /* absolute, without fragment */
    const ft__json *value;
} ft__schema_document;
/* `draft` holds where no $schema says otherwise.  $ref reaches the documents given (may be NULL) and
   the metaschemas of both drafts, nothing else.  The values must outlive the result.  FT_ERR_DATA: it
   is no schema; FT_ERR_UNSUPPORTED: it is one, but for a pattern or dialect that we do not have. */
FT__PRIV ft__schema *ft__schema_compile(const ft__json *value, unsigned draft,
                                        const ft__schema_document *documents, size_t n_documents,
                                        const ft_allocator *a, ft_error *err);
FT__PRIV void ft__schema_free(ft__schema *schema);
/* `value` is sorted (ft__json_sort).  Writes where it fails first and why, "" if it is valid.
   FT_ERR_LIMIT: the schema refers to itself without end, or takes too many steps. */
FT__PRIV ft_status ft__schema_check(const ft__schema *schema, const ft__json *value, bool formats,
                                    bool *valid, char why[160], ft_error *err);

/* ---- toolcall, bfcl */

/* Are two texts equal as BFCL compares them: without blanks and ,./-_*^ and without case, ' being the
   same as "?  False: out of memory. */
FT__PRIV bool ft__bfcl_text_equal(ft__view a, ft__view b, const ft_allocator *allocator,
                                  bool *equal);

/* A tool call that a model's text makes. */
typedef struct ft__tool_call {
    ft__view name;
    const ft__json *arguments; /* an object; NULL: what stood there could not be read as one */
    size_t begin, end;         /* where in the text it was found, together with its neighbours in a list */
} ft__tool_call;
typedef struct ft__tool_calls {
    ft__tool_call *items;
    size_t n, cap;
} ft__tool_calls;
/* All calls of a text, in their order, into the arena; the text has to stay.  Takes linear time.
   False: out of memory. */
FT__PRIV bool ft__tool_calls_read(ft__view text, ft__arena *arena, ft__tool_calls *calls);
/* Those of a row's field (a list of {name, arguments} or of names): arguments NULL means any.
   False, with an error in the score, if the field is not there or not of that form; look at
   arena->failed. */
FT__PRIV bool ft__tool_calls_expected(const ft_row *row, const char *field, ft__arena *arena,
                                      ft__tool_calls *calls, ft_score *score);

/* The row's "tools", or NULL.  False, with an error in the score, if they are no list or lack one that
   is expected. */
FT__PRIV bool ft__tools_of_row(const ft_row *row, const ft__tool_calls *expected,
                               const ft__json **tools, ft_score *score);

/* How calls are compared.  `tools`: as above. */
typedef struct ft__tool_rules {
    bool exact_texts;  /* or else BFCL's way */
    bool only_names;
    const ft__json *tools;
    ft__arena *arena;  /* scratch; `failed` if there was not enough */
} ft__tool_rules;
/* The credits of all pairs, n_expected rows of n_made, in the arena.  NULL: out of memory, or, with an
   error in the score, too many to be paired. */
FT__PRIV double *ft__tool_credits(const ft__tool_rules *rules, const ft__tool_calls *expected,
                                  const ft__tool_calls *made, ft_score *score);
/* The one-to-one pairing with the largest sum of weights (n_rows of n_columns): pair[row] is a column
   or -1, which also stands for a weight of 0.  ordered: both sides keep their order.  False: out of
   memory. */
FT__PRIV bool ft__pair_best(const double *weights, size_t n_rows, size_t n_columns, bool ordered,
                            ft__arena *arena, int *pair);

/* ---- language */

/* The language a text seems to be in, as langdetect codes it ("en", "zh-cn"); NULL if it shows none
   that we know.  A guess from its first 10,000 characters. */
FT__PRIV const char *ft__language_guess(ft__view text);
/* Writes the next sentence, without white space around it, and moves *p past it; false at the end.
   Sentences end as NLTK's Punkt ends those of English; with `lines` also at line breaks and at the
   full stops of other scripts.  All of them together take linear time. */
FT__PRIV bool ft__text_next_sentence(const char **p, const char *end, bool lines,
                                     ft__view *sentence);

/* ---- classify: the evaluator "label".  The label that an output or the row's "expected" is, as the
   list of labels spells it; .text NULL: none of them.  False: out of memory. */
FT__PRIV bool ft__label_of_output(const ft_evaluator *e, ft__view output, ft__view *label);
FT__PRIV bool ft__label_of_row(const ft_evaluator *e, const ft_row *row, ft__view *label);

/* ---- judge */

FT__PRIV int ft__judge_n_grades(const ft_evaluator *e);
/* What a judge model is asked about an output: texts[n_grades], each a grade after the judge's prompt, in the
   arena. */
FT__PRIV ft_status ft__judge_texts(const ft_evaluator *e, const ft_row *row, ft__view output,
                                   ft__arena *arena, ft_text_request *texts, ft_error *err);

#endif /* FT__EVAL_H */
