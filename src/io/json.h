/* Floor 1, first half: text formats.  JSON values, numbers exact both ways, JSONL, Unicode tables,
   regular expressions. */
#ifndef FT__IO_JSON_H
#define FT__IO_JSON_H

#include "../base/base.h"

/* ---- number: io/number.c.  Exact both ways, independent of the locale. */

/* Text of a JSON number (already checked against its grammar) to the nearest double, half to even.
   False where it overflows to infinity. */
FT__PRIV bool ft__number_parse(const char *text, size_t n, double *value);
/* The shortest text that reads back as the same double ("0.1", "1e+300", "5"); integers below 2^53
   without exponent; NUL-terminated.  Returns the length.  NaN and infinities are the caller's bug. */
FT__PRIV size_t ft__number_write(double value, char out[32]);

/* ---- json: io/json.c */

typedef enum ft__json_type {
    FT__JSON_NULL, FT__JSON_FALSE, FT__JSON_TRUE, FT__JSON_NUMBER, FT__JSON_STRING,
    FT__JSON_ARRAY, FT__JSON_OBJECT
} ft__json_type;

/* A value; lives in the arena it was parsed into.  Strings are UTF-8, may hold NUL bytes inside and
   always have one after their end.  Children are linked in the order of the text. */
typedef struct ft__json ft__json;
struct ft__json {
    ft__json_type type;
    uint32_t line;        /* 1-based, where the value begins; 0 if made by hand */
    const char *key;      /* in an object, else NULL */
    size_t key_len;
    double number;
    const char *text;     /* of a string; of a number: its digits as written */
    size_t text_len;
    size_t count;         /* children */
    ft__json *child, *next;
};

#define FT__JSON_MAX_DEPTH 512

/* Strict RFC 8259: UTF-8 checked, no BOM, no duplicate keys check (the last one is found first, as
   most parsers do), nothing after the value.  On failure err->where is "name:line" and the message ends
   with the column.  `first_line` is the number of the text's first line (1 for a whole file). */
FT__PRIV ft_status ft__json_parse(const char *text, size_t n, const char *name, uint32_t first_line,
                                  ft__arena *arena, ft__json **value, ft_error *err);
/* The member called `key` (the last if repeated), or NULL; also NULL if `object` is no object. */
FT__PRIV ft__json *ft__json_get(const ft__json *object, const char *key);
/* A member by path "tags.lang" (keys joined by dots; a key that itself holds the dots wins). */
FT__PRIV ft__json *ft__json_path(const ft__json *object, const char *path);
FT__PRIV const char *ft__json_type_name(ft__json_type type); /* "number" */
FT__PRIV bool ft__json_is_integer(const ft__json *value, double lowest, double highest);
/* Equality in JSON's sense: numbers by value, objects without order, arrays with. */
FT__PRIV bool ft__json_equal(const ft__json *a, const ft__json *b);
/* A number as it is written, so that one of any length keeps its exact value: a sign and 0.DIGITS
   times ten to the exponent, with neither end of the digits 0. */
typedef struct ft__decimal {
    const char *digits, *end; /* a point may stand among them; none: zero */
    int64_t exponent;
    bool negative;
} ft__decimal;
FT__PRIV ft__decimal ft__decimal_of(const ft__json *number);
/* Exact where both have their text: 9007199254740993 is not 9007199254740992.0.  < 0, 0, > 0. */
FT__PRIV int ft__json_compare_numbers(const ft__json *a, const ft__json *b);
/* Sorts the members of every object in `value` by key (bytes), and of a repeated key drops all but
   the last.  What follows wants sorted values. */
FT__PRIV void ft__json_sort(ft__json *value);
/* A total order; 0 where they are equal in JSON's sense, numbers exactly.  Linear. */
FT__PRIV int ft__json_compare(const ft__json *a, const ft__json *b);
FT__PRIV int ft__json_compare_keys(const ft__json *a, const ft__json *b); /* of members, as sorted */
/* A copy of the nodes, sorted; texts are shared.  NULL: out of memory. */
FT__PRIV ft__json *ft__json_sorted_copy(const ft__json *value, ft__arena *arena);
/* True if the text is one valid JSON value (the parse, without keeping anything). */
FT__PRIV ft_status ft__json_valid(const char *text, size_t n, const ft_allocator *a, bool *valid);

/* Writing: commas and indentation are the writer's business, the calls' order is the caller's.
   indent 0 = one line without blanks.  Non-ASCII text is written as it is; invalid UTF-8 bytes become
   U+FFFD.  Numbers must be finite. */
typedef struct ft__json_writer {
    ft__buf *out;
    int indent, depth;
    bool need_comma, after_key;
} ft__json_writer;
FT__PRIV void ft__json_writer_init(ft__json_writer *w, ft__buf *out, int indent);
FT__PRIV void ft__json_begin(ft__json_writer *w, char bracket); /* '{' or '[' */
FT__PRIV void ft__json_end(ft__json_writer *w, char bracket);   /* '}' or ']' */
FT__PRIV void ft__json_key(ft__json_writer *w, const char *key);
FT__PRIV void ft__json_string(ft__json_writer *w, const char *text, size_t n);
FT__PRIV void ft__json_text(ft__json_writer *w, const char *text); /* NUL-terminated */
FT__PRIV void ft__json_number(ft__json_writer *w, double value);
FT__PRIV void ft__json_bool(ft__json_writer *w, bool value);
FT__PRIV void ft__json_null(ft__json_writer *w);
FT__PRIV void ft__json_value(ft__json_writer *w, const ft__json *value); /* a parsed value, keys in order */

/* ---- jsonl: io/jsonl.c */

/* Walks the lines of a JSONL text.  Blank lines are skipped, CRLF is fine, a UTF-8 BOM at the very start
   is skipped.  Each line's value goes to a fresh place in the caller's arena. */
typedef struct ft__jsonl {
    const char *text, *end, *name;
    uint32_t line;  /* of the value last read */
    const char *line_text; /* its bytes, without the line end */
    size_t line_len;
} ft__jsonl;
FT__PRIV void ft__jsonl_init(ft__jsonl *reader, const char *text, size_t n, const char *name);
/* FT_OK with *value NULL at the end. */
FT__PRIV ft_status ft__jsonl_next(ft__jsonl *reader, ft__arena *arena, ft__json **value,
                                  ft_error *err);

/* ---- unicode: io/unicode.c (tables made by src/tools/make_unicode.c from UnicodeData) */

/* One class per character: general categories, with white space apart from other controls. */
typedef enum ft__char_class {
    FT__UNICODE_LU, FT__UNICODE_LT, FT__UNICODE_LL, FT__UNICODE_LM, FT__UNICODE_LO,
    FT__UNICODE_M,
    FT__UNICODE_ND, FT__UNICODE_NO, /* decimal digits; Nl and No */
    FT__UNICODE_P, FT__UNICODE_S,
    FT__UNICODE_Z,             /* separators; all of them are White_Space */
    FT__UNICODE_CONTROL_SPACE, /* controls that are White_Space: tab, line ends, U+0085 */
    FT__UNICODE_C              /* other controls, format, private, unassigned, beyond U+10FFFF */
} ft__char_class;
#define FT__CLASS_BIT(char_class) (1u << (char_class))
#define FT__CLASS_L     0x1Fu
#define FT__CLASS_N     0xC0u
#define FT__CLASS_SPACE 0xC00u /* White_Space */
FT__PRIV ft__char_class ft__char_class_of(uint32_t c);

FT__PRIV bool ft__is_space(uint32_t c);  /* Python's str.isspace: White_Space and U+001C..001F */
FT__PRIV bool ft__is_word(uint32_t c);   /* Python's regex \w: letters, numbers, '_'; no marks */
FT__PRIV uint32_t ft__lower_char(uint32_t c); /* one character for one */
FT__PRIV uint32_t ft__upper_char(uint32_t c); /* the first character whose lower case is c, or c */
/* Full lower-casing as Python's str.lower(), with U+0130 to two code points and the final sigma.
   Invalid bytes stay as they are. */
FT__PRIV void ft__lower(const char *text, size_t n, ft__buf *out);

/* Normal form C (UAX 15).  The tables are unpacked once, into an arena; NULL: out of memory. */
typedef struct ft__normal ft__normal;
FT__PRIV const ft__normal *ft__normal_create(ft__arena *arena);
FT__PRIV bool ft__is_nfc_at_sight(const ft__normal *t, const char *text, size_t n); /* false: perhaps */
/* Invalid bytes stay as they are.  Check out->failed. */
FT__PRIV void ft__nfc(const ft__normal *t, const char *text, size_t n, ft__buf *out);
/* The full canonical decomposition of one character; returns the number of characters. */
FT__PRIV int ft__decompose(const ft__normal *t, uint32_t c, uint32_t out[4]);
FT__PRIV bool ft__is_nonspacing(uint32_t c); /* marks without a width of their own: Mn and Me */

/* Bytes of a text. */
typedef struct ft__view {
    const char *text; /* never NULL */
    size_t n;
} ft__view;

/* ---- regex: io/regex.c.  Linear in the text; a compiled pattern never changes, any thread may
   use it. */
enum {
    FT__REGEX_IGNORE_CASE = 1,
    FT__REGEX_DOT_ALL = 2,   /* . is any character */
    FT__REGEX_MULTILINE = 4, /* ^ and $ at every line */
    FT__REGEX_WHOLE = 8,     /* the match must be the whole text */
    FT__REGEX_ECMA = 16      /* the dialect of JSON Schema: \d and \w are ASCII, $ only at the end */
};
typedef struct ft__regex ft__regex;
FT__PRIV ft__regex *ft__regex_compile(const char *pattern, size_t n, unsigned flags,
                                      const ft_allocator *a, ft_error *err);
FT__PRIV void ft__regex_free(ft__regex *regex);
/* Takes scratch memory from the pattern's allocator; fails only without it. */
FT__PRIV ft_status ft__regex_search(const ft__regex *regex, const char *text, size_t n, bool *found,
                                    ft_error *err);
/* The leftmost match that begins at `from` or later, the one that Python's re.search finds.  Fills
   groups[0] with all of it and the others with what its groups captured (numbered, named ones too),
   FT__NO_SPAN twice where a group took no part.  *found false: no match.  To walk all matches go on
   from groups[0].end, or behind an empty match from one character further.  At most 100 groups of
   the pattern may be asked for. */
typedef struct ft__regex_span {
    size_t begin, end;
} ft__regex_span;
#define FT__NO_SPAN SIZE_MAX
FT__PRIV ft_status ft__regex_find(const ft__regex *regex, const char *text, size_t n, size_t from,
                                  ft__regex_span *groups, size_t n_groups, bool *found,
                                  ft_error *err);

#endif /* FT__IO_JSON_H */
