/* The shared floor of the jinja rooms: what a value is, what a parsed template is, and the state of one
   rendering.

   jinja_lex.c and jinja_parse.c turn source into nodes once, jinja_scope.c looks at their names, jinja.c
   walks them.  jinja_values.c knows how Python's values behave, jinja_number.c its numbers, jinja_text.c and
   jinja_format.c its strings; jinja_filters.c, jinja_tests.c and jinja_methods.c hold the tables of filters,
   tests, methods and functions.  template.c is the face to the outside.

   Errors are sticky: the first one is kept in the state, everything after it returns quickly with something
   harmless, and loops look at `status`. */
#ifndef FT__JINJA_H
#define FT__JINJA_H

#include "../io/io.h"
#include "template.h"

/* ---- values */

typedef enum ft__jv_type {
    FT__JV_MISSING, /* no value at all: a variable nobody set, an argument nobody gave */
    FT__JV_UNDEFINED, FT__JV_NONE, FT__JV_BOOL, FT__JV_INT, FT__JV_BIG, FT__JV_FLOAT, FT__JV_STR,
    FT__JV_LIST, FT__JV_TUPLE, FT__JV_RANGE, FT__JV_KEYS, FT__JV_VALUES, FT__JV_ITEMS, FT__JV_GENERATOR,
    FT__JV_DICT, FT__JV_NAMESPACE, FT__JV_MACRO, FT__JV_FUNCTION, FT__JV_METHOD, FT__JV_LOOP,
    FT__JV_TYPES
} ft__jv_type;

typedef struct ft__jinja ft__jinja;
typedef struct ft__jnode ft__jnode;
typedef struct ft__jrow ft__jrow;

/* Bytes that several strings begin with: the last of them may be made longer in place, so that a text built
   piece by piece costs as much as it is long. */
typedef struct ft__jgrow {
    char *data;
    size_t used, cap;
} ft__jgrow;

/* UTF-8, always valid; no NUL at the end. */
typedef struct ft__jstr {
    const char *data;
    size_t len, chars; /* bytes, code points */
    ft__jgrow *grow;   /* or NULL */
} ft__jstr;

/* An integer beyond 64 bits: base 10^9, lowest first.  One that fits into 64 bits is never kept so. */
typedef struct ft__jbig {
    const uint32_t *limb;
    uint32_t n;
    bool negative;
} ft__jbig;

typedef struct ft__jv ft__jv;
typedef struct ft__jlist ft__jlist;
typedef struct ft__jdict ft__jdict;
typedef struct ft__jmacro ft__jmacro;
typedef struct ft__jmethod ft__jmethod;
typedef struct ft__jgenerator ft__jgenerator;
typedef struct ft__jloop ft__jloop;

struct ft__jv {
    uint8_t type; /* ft__jv_type */
    uint8_t flag; /* STR: marked safe; UNDEFINED: see ft__jinja_undefined; TUPLE: made by groupby */
    union {
        int64_t i; /* INT, BOOL */
        double f;
        const ft__jstr *s; /* STR; UNDEFINED: the name */
        const ft__jbig *big;
        const ft__jlist *list; /* LIST, TUPLE, RANGE, KEYS, VALUES, ITEMS */
        ft__jdict *dict; /* DICT, NAMESPACE */
        const ft__jmacro *macro;
        const ft__jrow *row; /* FUNCTION */
        const ft__jmethod *method;
        ft__jgenerator *generator;
        ft__jloop *loop;
    } as;
};

struct ft__jlist {
    const ft__jv *items;
    size_t n;
    ft__jgrow *grow; /* as with strings; counts items */
    int64_t range[3];
};

typedef struct ft__jentry {
    ft__jv key, value;
    uint64_t hash;
} ft__jentry;

struct ft__jdict {
    ft__jentry *entries; /* in the order of insertion */
    size_t n, cap;
    uint32_t *index; /* of the hash table; NULL while there are few */
    size_t index_size;
};

typedef struct ft__jpair {
    const ft__jstr *name;
    ft__jv value;
} ft__jpair;

typedef struct ft__jargs {
    const ft__jv *items;
    size_t n;
    const ft__jpair *named;
    size_t n_named;
} ft__jargs;

/* A builtin.  `names` are its parameters (at most 8), apart by blanks: it then gets one item for each, MISSING
   where the caller gave none, of which the first `required` are there for sure; a slash at the beginning: they
   cannot be given by name.  NULL: it takes the arguments as they come. */
struct ft__jrow {
    const char *name;
    ft__jv (*call)(ft__jinja *r, ft__jv self, const ft__jargs *args);
    const char *names;
    int required;
};

struct ft__jmethod {
    const ft__jrow *row;
    ft__jv self;
};

/* What map, select and their like give: made when somebody asks for the items, and once. */
struct ft__jgenerator {
    void (*make)(ft__jinja *r, ft__jgenerator *g); /* NULL once the items are there */
    ft__jv source;
    ft__jargs args;
    bool attribute, reject; /* selectattr and rejectattr; reject and rejectattr */
    ft__jv *items;
    size_t n, at, cap;
};

typedef struct ft__jvar {
    uint32_t id;
    ft__jv value;
} ft__jvar;

typedef struct ft__jscope {
    struct ft__jscope *parent;
    ft__jvar *vars;
    uint32_t n, cap;
    bool captured; /* a macro was made here: it must stay as it is */
} ft__jscope;

struct ft__jmacro {
    const ft__jnode *node;
    ft__jscope *scope; /* where it was made */
};

struct ft__jloop {
    const ft__jnode *node;
    const ft__jv *items;
    size_t n, at;           /* of the source; `at` is the next to be looked at */
    int64_t index0, length; /* length -1: not known yet */
    int depth0;
    ft__jv before, current, after; /* after: MISSING if it was not looked at yet */
    ft__jv changed;
    bool ended;             /* there is nothing after `current` */
    ft__jscope *outer, *scope;
};

/* ---- templates */

typedef enum ft__jnode_kind {
    /* expressions */
    FT__JN_CONST, FT__JN_NAME, FT__JN_NSREF, FT__JN_TUPLE, FT__JN_LIST, FT__JN_DICT, FT__JN_ATTR,
    FT__JN_ITEM, FT__JN_SLICE, FT__JN_CALL, FT__JN_FILTER, FT__JN_TEST, FT__JN_NOT, FT__JN_AND, FT__JN_OR,
    FT__JN_COND, FT__JN_COMPARE, FT__JN_BINARY, FT__JN_CONCAT, FT__JN_NEG, FT__JN_POS,
    /* parts of expressions */
    FT__JN_PAIR, FT__JN_KEYWORD, FT__JN_STAR, FT__JN_STAR_STAR, FT__JN_OPERAND, FT__JN_PARAM,
    /* statements */
    FT__JN_TEXT, FT__JN_PRINT, FT__JN_IF, FT__JN_FOR, FT__JN_SET, FT__JN_SET_BLOCK, FT__JN_MACRO,
    FT__JN_CALL_BLOCK, FT__JN_FILTER_BLOCK, FT__JN_SCOPE, FT__JN_WITH, FT__JN_BREAK, FT__JN_CONTINUE
} ft__jnode_kind;

/* Operators are named by their characters. */
#define FT__J_TWO(a, b) ((a) * 256 + (b))
enum {
    FT__JO_POW = FT__J_TWO('*', '*'), FT__JO_FLOORDIV = FT__J_TWO('/', '/'), FT__JO_EQ = FT__J_TWO('=', '='),
    FT__JO_NE = FT__J_TWO('!', '='), FT__JO_LE = FT__J_TWO('<', '='), FT__JO_GE = FT__J_TWO('>', '='),
    FT__JO_IN = FT__J_TWO('i', 'n'), FT__JO_NOT_IN = FT__J_TWO('n', 'i')
};
#undef FT__J_TWO

enum { FT__JUSES_CALLER = 1, FT__JUSES_KWARGS = 2, FT__JUSES_VARARGS = 4 };

/* Names that a scope begins with as missing: see jinja_scope.c. */
typedef struct ft__jmissing {
    const uint32_t *ids;
    uint32_t n;
} ft__jmissing;

struct ft__jnode {
    uint8_t kind; /* ft__jnode_kind */
    uint8_t uses; /* MACRO, CALL_BLOCK: FT__JUSES_... */
    bool flag;    /* FOR: recursive */
    int op;
    uint32_t line, id; /* id: of a name; NSREF: of the namespace */
    ft__jv value;      /* CONST, TEXT; the name of NAME, ATTR, KEYWORD, FILTER, TEST, MACRO */
    const ft__jrow *row; /* FILTER, TEST; NULL: there is none of that name */
    ft__jnode *a, *b, *c;
    ft__jnode *args;   /* a list: elements, arguments, operands, parameters */
    ft__jnode *body, *other; /* lists of statements */
    ft__jmissing missing, other_missing; /* of their scopes */
    ft__jnode *next;
};

struct ft_template {
    ft_allocator allocator;
    ft__arena arena;
    const char *name;
    ft__jnode *body;
    ft__jmissing missing;
    ft__jdict *ids;             /* names of variables to their numbers */
    const ft__jrow **functions; /* (n_names) the global function of that name, or NULL */
    uint32_t n_names;
    uint32_t id_loop, id_caller, id_kwargs, id_varargs;
};

/* ---- jinja_lex.c */

enum {
    FT__JT_END, FT__JT_DATA, FT__JT_PRINT, FT__JT_PRINT_END, FT__JT_BLOCK, FT__JT_BLOCK_END, FT__JT_NAME,
    FT__JT_STRING, FT__JT_INT, FT__JT_FLOAT
    /* beyond: operators, named by their characters */
};

typedef struct ft__jtoken {
    uint32_t type, line;
    ft__jv value; /* DATA, NAME, STRING: a string; INT, FLOAT: the number */
} ft__jtoken;

typedef struct ft__jtokens {
    ft__jtoken *items; /* the allocator's, not the arena's */
    size_t n, cap;
} ft__jtokens;

/* All tokens, END last; returns the line where it stopped. */
FT__PRIV uint32_t ft__jinja_lex(ft__jinja *r, const char *source, size_t n, ft__jtokens *tokens);

/* ---- jinja_parse.c */
FT__PRIV ft_template *ft__jinja_parse(const char *source, size_t n, const char *name,
                                      const ft_allocator *a, ft_error *err);

/* ---- jinja_scope.c */
FT__PRIV void ft__jinja_scan(ft__jinja *r, ft_template *t); /* fills in what is missing */

/* ---- the state of one rendering: jinja.c */

enum { FT__JINJA_DEPTH = 1000 }; /* of nested nodes, calls and values in a rendering */

typedef struct ft__jlimits {
    uint64_t steps;
    size_t memory, output; /* bytes */
    int depth;
} ft__jlimits;

struct ft__jinja {
    const ft_template *t;
    ft__arena arena;
    ft__jlimits limit;
    uint64_t steps;
    size_t memory;
    int depth;
    ft__buf out;         /* the output, and behind it whatever is being captured */
    ft__jv *context;     /* (n_names) variables of the caller */
    ft__jscope *scope;
    ft__jv block_value;  /* what the filters of a block apply to */
    const char *now;     /* "2026-03-14T15:09:26" or NULL */
    ft_status status;
    uint32_t line;       /* of the error */
    char message[384];
    ft__jv raised;       /* the text given to raise_exception */
};

FT__PRIV ft_status ft__jinja_run(ft__jinja *r, const ft__json *input);
FT__PRIV void ft__jinja_init(ft__jinja *r, const ft_template *t, const char *now, const ft__jlimits *limit);
FT__PRIV void ft__jinja_done(ft__jinja *r);
/* Always false, so that it can end a function that returns bool. */
FT__PRIV bool ft__jinja_fail(ft__jinja *r, ft_status status, const char *fmt, ...) FT__PRINTF(3, 4);
FT__PRIV bool ft__jinja_error(ft__jinja *r, const char *fmt, ...) FT__PRINTF(2, 3); /* FT_ERR_DATA */
/* Counts work; false if that was too much. */
FT__PRIV bool ft__jinja_work(ft__jinja *r, size_t steps);
/* One level deeper: false (with the error) beyond the limit.  Else ft__jinja_up must follow. */
FT__PRIV bool ft__jinja_down(ft__jinja *r);
FT__PRIV void ft__jinja_up(ft__jinja *r);
FT__PRIV ft__jv ft__jinja_call_row(ft__jinja *r, const ft__jrow *row, ft__jv self, const ft__jargs *args);
FT__PRIV ft__jv ft__jinja_loop_attr(ft__jinja *r, ft__jloop *loop, const ft__jstr *name);

/* ---- jinja_values.c */
FT__PRIV void *ft__jinja_alloc(ft__jinja *r, size_t count, size_t size); /* NULL: the error is set */
FT__PRIV ft__jv ft__jinja_value(ft__jv_type type);
FT__PRIV ft__jv ft__jinja_none(void);
FT__PRIV ft__jv ft__jinja_bool(bool b);
FT__PRIV ft__jv ft__jinja_int(int64_t i);
FT__PRIV ft__jv ft__jinja_float(double f);
/* `owner` is the type of what lacks `name`, MISSING for a variable; FT__JV_TYPES: name is the message. */
FT__PRIV ft__jv ft__jinja_undefined(ft__jv_type owner, const ft__jstr *name);
FT__PRIV ft__jv ft__jinja_hint(ft__jinja *r, const char *text);
FT__PRIV bool ft__jinja_fail_undefined(ft__jinja *r, ft__jv v);
FT__PRIV ft__jv ft__jinja_str(ft__jinja *r, const char *data, size_t len); /* over bytes that stay */
FT__PRIV ft__jv ft__jinja_list(ft__jinja *r, ft__jv_type type, const ft__jv *items, size_t n);
FT__PRIV ft__jv ft__jinja_pair(ft__jinja *r, ft__jv a, ft__jv b); /* a tuple */
FT__PRIV ft__jv ft__jinja_dict(ft__jinja *r);
FT__PRIV bool ft__jinja_dict_set(ft__jinja *r, ft__jdict *d, ft__jv key, ft__jv value);
FT__PRIV const ft__jv *ft__jinja_dict_get(ft__jinja *r, const ft__jdict *d, ft__jv key); /* NULL: none */
FT__PRIV const ft__jv *ft__jinja_dict_name(const ft__jdict *d, const ft__jstr *name);
FT__PRIV bool ft__jinja_hashable(const ft__jv *v);
FT__PRIV ft__jv ft__jinja_generator(ft__jinja *r, void (*make)(ft__jinja *, ft__jgenerator *));
FT__PRIV bool ft__jinja_generate(ft__jinja *r, ft__jgenerator *g, ft__jv item); /* appends */
FT__PRIV ft__jv ft__jinja_from_json(ft__jinja *r, const ft__json *json);
FT__PRIV const char *ft__jinja_type_name(ft__jv v); /* Python's */
FT__PRIV bool ft__jinja_truth(ft__jv v);
FT__PRIV bool ft__jinja_same(const ft__jstr *s, const char *text);
FT__PRIV bool ft__jinja_equal(ft__jinja *r, ft__jv a, ft__jv b);
/* -1, 0, 1; 2: neither (NaN).  Fails where Python has no order; `op` is for the message. */
FT__PRIV int ft__jinja_compare(ft__jinja *r, ft__jv a, ft__jv b, const char *op);
FT__PRIV bool ft__jinja_contains(ft__jinja *r, ft__jv item, ft__jv container);
/* All items of what can be iterated; fails otherwise. */
FT__PRIV bool ft__jinja_iterate(ft__jinja *r, ft__jv v, const ft__jv **items, size_t *n);
FT__PRIV bool ft__jinja_iterable(ft__jv v);
FT__PRIV int64_t ft__jinja_length(ft__jinja *r, ft__jv v); /* fails where there is none */
FT__PRIV ft__jv ft__jinja_attr(ft__jinja *r, ft__jv v, const ft__jstr *name);
FT__PRIV ft__jv ft__jinja_item(ft__jinja *r, ft__jv v, ft__jv key);
FT__PRIV ft__jv ft__jinja_slice(ft__jinja *r, ft__jv v, ft__jv start, ft__jv stop, ft__jv step);
FT__PRIV ft__jv ft__jinja_binary(ft__jinja *r, int op, ft__jv a, ft__jv b);
FT__PRIV ft__jv ft__jinja_concat(ft__jinja *r, ft__jv a, ft__jv b); /* of strings */
FT__PRIV void ft__jinja_put(ft__jinja *r, const char *text, size_t n);
FT__PRIV void ft__jinja_puts(ft__jinja *r, const char *text);
FT__PRIV void ft__jinja_put_char(ft__jinja *r, uint32_t c);
FT__PRIV void ft__jinja_put_value(ft__jinja *r, ft__jv v); /* str(v) */
FT__PRIV void ft__jinja_put_repr(ft__jinja *r, ft__jv v);
FT__PRIV ft__jv ft__jinja_take(ft__jinja *r, size_t start); /* the output from there on, as a string */
FT__PRIV ft__jv ft__jinja_to_str(ft__jinja *r, ft__jv v);

/* ---- jinja_number.c */
FT__PRIV bool ft__jinja_is_int(ft__jv v);    /* BOOL, INT, BIG */
FT__PRIV bool ft__jinja_is_number(ft__jv v); /* and FLOAT */
FT__PRIV double ft__jinja_to_double(ft__jinja *r, ft__jv v);
FT__PRIV bool ft__jinja_index(ft__jinja *r, ft__jv v, const char *what, int64_t *out); /* an int, clamped */
FT__PRIV ft__jv ft__jinja_int_of_text(ft__jinja *r, const char *digits, size_t n, uint32_t base, bool negative);
FT__PRIV ft__jv ft__jinja_int_of_double(ft__jinja *r, double f);
FT__PRIV bool ft__jinja_parse_int(ft__jinja *r, const ft__jstr *s, int64_t base, ft__jv *out);
FT__PRIV bool ft__jinja_parse_float(const ft__jstr *s, double *out);
FT__PRIV int ft__jinja_compare_numbers(ft__jinja *r, ft__jv a, ft__jv b); /* 2: NaN */
FT__PRIV ft__jv ft__jinja_arithmetic(ft__jinja *r, int op, ft__jv a, ft__jv b);
FT__PRIV ft__jv ft__jinja_negate(ft__jinja *r, ft__jv v);
FT__PRIV void ft__jinja_put_number(ft__jinja *r, ft__jv v);
/* Decimals rounded half to even on the exact value; `style` is f, e or g, F, E, G, or 0: repr's. */
FT__PRIV void ft__jinja_put_float(ft__jinja *r, double f, char style, int precision, bool alternate);
FT__PRIV double ft__jinja_round(ft__jinja *r, double f, int decimals);

/* ---- jinja_text.c */
FT__PRIV size_t ft__jinja_offset(const ft__jstr *s, size_t chars); /* bytes before that code point */
FT__PRIV int64_t ft__jinja_find(ft__jinja *r, const ft__jstr *s, size_t from, const ft__jstr *what); /* bytes */
FT__PRIV ft__jv ft__jinja_escape(ft__jinja *r, ft__jv v);           /* for HTML; marked */
FT__PRIV ft__jv ft__jinja_strip(ft__jinja *r, ft__jv s, ft__jv chars, bool left, bool right);
FT__PRIV ft__jv ft__jinja_replace(ft__jinja *r, ft__jv s, ft__jv old, ft__jv with, int64_t count);
FT__PRIV ft__jv ft__jinja_upper(ft__jinja *r, ft__jv s);
FT__PRIV ft__jv ft__jinja_lower(ft__jinja *r, ft__jv s);
FT__PRIV ft__jv ft__jinja_capitalize(ft__jinja *r, ft__jv s);
FT__PRIV ft__jv ft__jinja_title_words(ft__jinja *r, ft__jv s); /* the filter */
FT__PRIV ft__jv ft__jinja_lines(ft__jinja *r, ft__jv s, bool keep_ends);
FT__PRIV ft__jv ft__jinja_center(ft__jinja *r, ft__jv s, int64_t width, int where, uint32_t fill);
FT__PRIV bool ft__jinja_is_case(const ft__jstr *s, bool upper);
FT__PRIV ft__jv ft__jinja_title(ft__jinja *r, ft__jv s);       /* the method */
FT__PRIV ft__jv ft__jinja_swapcase(ft__jinja *r, ft__jv s);

/* ---- jinja_format.c */
FT__PRIV ft__jv ft__jinja_percent(ft__jinja *r, ft__jv format, ft__jv args);
FT__PRIV ft__jv ft__jinja_format(ft__jinja *r, ft__jv format, const ft__jargs *args);
FT__PRIV ft__jv ft__jinja_strftime(ft__jinja *r, const ft__jstr *format);

/* ---- jinja_filters.c */
FT__PRIV const ft__jrow *ft__jinja_filter(const char *name, size_t n); /* NULL: none */
FT__PRIV const ft__jrow *ft__jinja_row(const ft__jrow *rows, size_t n_rows, const char *name, size_t n);

/* ---- jinja_tests.c */
FT__PRIV const ft__jrow *ft__jinja_test(const char *name, size_t n);

/* ---- jinja_methods.c */
FT__PRIV const ft__jrow *ft__jinja_function(const char *name, size_t n);
/* The method of that name; *hidden if there is one that a template may not use. */
FT__PRIV const ft__jrow *ft__jinja_method(ft__jv v, const ft__jstr *name, bool *hidden);
FT__PRIV void ft__jinja_put_json(ft__jinja *r, ft__jv v, const ft__jargs *args);

#endif /* FT__JINJA_H */
