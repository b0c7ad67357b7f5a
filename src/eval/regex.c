/* Regular expressions that take time linear in the text, whatever the pattern: all states of the
   pattern are followed at once (K. Thompson, "Regular expression search algorithm", 1968), nothing
   is ever tried again.  That excludes back-references and look-around, and says so.

   The question is only whether there is a match.  So groups capture nothing, and lazy quantifiers
   are read and do the same as the others.  Otherwise the syntax and its meaning are Python's:
   characters are code points, \d \w \s and \b know Unicode, . is anything but a line feed, $ stands
   at the end or before a last line feed, { that begins no repeat is itself.  Ignoring case compares
   letters by their simple lower case (so the Kelvin sign is a k, and the final sigma is not a
   sigma).  An invalid byte is one character that only . and negated classes match.

   A pattern becomes a tree, the tree a program; counted repeats become copies. */
#include "eval.h"

enum {
    FT__REGEX_MAX_CODE = 20000,   /* instructions: at most so many steps for a character */
    FT__REGEX_MAX_DEPTH = 200,    /* nested groups */
    FT__REGEX_NO_MAX = 0x7FFFFFFF /* a repeat without upper end */
};
#define FT__REGEX_NO_CHAR 0x7FFFFFFFu /* before the first and after the last character */

typedef enum ft__regex_op {
    FT__REGEX_CHAR,   /* x: the character (its lower case if case is ignored) */
    FT__REGEX_ANY,    /* anything */
    FT__REGEX_LINE,   /* anything but a line feed */
    FT__REGEX_CLASS,  /* x: index of the class */
    FT__REGEX_ASSERT, /* x: which */
    FT__REGEX_SPLIT,  /* x, y: go on at both */
    FT__REGEX_JUMP,   /* x */
    FT__REGEX_MATCH
} ft__regex_op;

typedef enum ft__regex_place {
    FT__REGEX_BEGIN_TEXT, FT__REGEX_END_TEXT, FT__REGEX_BEGIN_LINE, FT__REGEX_END_LINE,
    FT__REGEX_LAST_LINE_END, FT__REGEX_WORD_EDGE, FT__REGEX_NO_WORD_EDGE
} ft__regex_place;

typedef struct ft__regex_code {
    ft__regex_op op;
    uint32_t x, y;
} ft__regex_code;

/* Part of a class: a range, or (if `set` is not 0) characters by their Unicode class. */
typedef struct ft__regex_item {
    uint32_t low, high;
    uint32_t set; /* FT__CLASS_BITs and the two below */
    bool negated;
} ft__regex_item;
#define FT__REGEX_UNDERSCORE 0x10000u
#define FT__REGEX_SEPARATORS 0x20000u /* U+001C..001F, white space for Python */
#define FT__REGEX_WORD       (FT__CLASS_L | FT__CLASS_N | FT__REGEX_UNDERSCORE)
#define FT__REGEX_SPACE      (FT__CLASS_SPACE | FT__REGEX_SEPARATORS)

typedef struct ft__regex_class {
    size_t first, count; /* items */
    bool negated;
    uint32_t ascii[4];   /* the answers for U+0000..007F, a bit each */
} ft__regex_class;

struct ft__regex {
    ft_allocator allocator;
    unsigned flags;
    ft__regex_code *code;
    ft__regex_class *classes;
    ft__regex_item *items;
    size_t n_code, n_classes, n_items, cap_code, cap_classes, cap_items;
};

/* ---- pattern to tree */

typedef enum ft__regex_type {
    FT__REGEX_EMPTY, FT__REGEX_ONE, FT__REGEX_SEQUENCE, FT__REGEX_CHOICE, FT__REGEX_REPEAT
} ft__regex_type;

typedef struct ft__regex_node ft__regex_node;
struct ft__regex_node {
    ft__regex_type type;
    ft__regex_op op;       /* ONE */
    uint32_t x;            /* ONE */
    uint32_t min, max;     /* REPEAT */
    ft__regex_node *child; /* the parts, or what repeats; no part of a sequence is EMPTY */
    ft__regex_node *next;
};

typedef struct ft__regex_parser {
    const char *start, *p, *end;
    unsigned flags;
    int depth;
    ft__regex *regex;
    ft__arena arena; /* nodes */
    ft_error *err;
} ft__regex_parser;

static ft__regex_node *ft__regex_choice(ft__regex_parser *s);

/* All errors say where: the character of the pattern at `at`, counted from 1.  Returns NULL. */
static ft__regex_node *ft__regex_bad(ft__regex_parser *s, ft_status code, const char *at,
                                     const char *what) {
    size_t position = 1;
    for (const char *p = s->start; p < at; position++) ft__utf8_next(&p, s->end);
    ft__fail(s->err, code, "", "pattern, character %zu: %s", position, what);
    return NULL;
}

static ft__regex_node *ft__regex_wrong(ft__regex_parser *s, const char *at, const char *what) {
    return ft__regex_bad(s, FT_ERR_ARGUMENT, at, what);
}

static ft__regex_node *ft__regex_unsupported(ft__regex_parser *s, const char *at,
                                             const char *what) {
    return ft__regex_bad(s, FT_ERR_UNSUPPORTED, at, what);
}

static bool ft__regex_at(const ft__regex_parser *s, const char *text) {
    size_t n = strlen(text);
    return (size_t)(s->end - s->p) >= n && memcmp(s->p, text, n) == 0;
}

static bool ft__regex_skip(ft__regex_parser *s, const char *text) {
    if (!ft__regex_at(s, text)) return false;
    s->p += strlen(text);
    return true;
}

static ft__regex_node *ft__regex_node_new(ft__regex_parser *s, ft__regex_type type) {
    ft__regex_node *node = (ft__regex_node *)ft__arena_alloc(&s->arena, 1, sizeof *node);
    if (!node) ft__fail_memory(s->err);
    else node->type = type;
    return node;
}

static ft__regex_node *ft__regex_one(ft__regex_parser *s, ft__regex_op op, uint32_t x) {
    ft__regex_node *node = ft__regex_node_new(s, FT__REGEX_ONE);
    if (!node) return NULL;
    node->op = op;
    node->x = x;
    return node;
}

static bool ft__regex_item_has(const ft__regex_item *item, uint32_t c) {
    if (!item->set) return item->low <= c && c <= item->high;
    bool in = c != FT__BAD_UTF8 &&
              ((FT__CLASS_BIT(ft__char_class_of(c)) & item->set) != 0 ||
               ((item->set & FT__REGEX_UNDERSCORE) && c == '_') ||
               ((item->set & FT__REGEX_SEPARATORS) && c >= 0x1C && c <= 0x1F));
    return in != item->negated;
}

static bool ft__regex_class_find(const ft__regex *r, const ft__regex_class *k, uint32_t c) {
    bool any_case = (r->flags & FT__REGEX_IGNORE_CASE) && c != FT__BAD_UTF8;
    uint32_t lower = any_case ? ft__lower_char(c) : c, upper = any_case ? ft__upper_char(lower) : c;
    for (size_t i = k->first; i < k->first + k->count; i++) {
        const ft__regex_item *item = &r->items[i];
        if (ft__regex_item_has(item, c) || (lower != c && ft__regex_item_has(item, lower)) ||
            (upper != c && ft__regex_item_has(item, upper)))
            return !k->negated;
    }
    return k->negated;
}

static bool ft__regex_add_item(ft__regex_parser *s, ft__regex_item item) {
    ft__regex *r = s->regex;
    if (!ft__grow(&r->allocator, (void **)&r->items, &r->cap_items, r->n_items + 1, sizeof item)) {
        ft__fail_memory(s->err);
        return false;
    }
    r->items[r->n_items++] = item;
    return true;
}

/* A class of the items from `first` on. */
static ft__regex_node *ft__regex_add_class(ft__regex_parser *s, size_t first, bool negated) {
    ft__regex *r = s->regex;
    if (!ft__grow(&r->allocator, (void **)&r->classes, &r->cap_classes, r->n_classes + 1,
                  sizeof *r->classes)) {
        ft__fail_memory(s->err);
        return NULL;
    }
    ft__regex_class *k = &r->classes[r->n_classes];
    memset(k, 0, sizeof *k);
    k->first = first;
    k->count = r->n_items - first;
    k->negated = negated;
    for (uint32_t c = 0; c < 0x80; c++)
        if (ft__regex_class_find(r, k, c)) k->ascii[c / 32] |= 1u << c % 32;
    return ft__regex_one(s, FT__REGEX_CLASS, (uint32_t)r->n_classes++);
}

/* ---- escapes */

/* Between `least` and `most` hexadecimal digits. */
static bool ft__regex_hex(ft__regex_parser *s, int least, int most, uint32_t *value) {
    int n = 0;
    for (*value = 0; n < most && s->p < s->end; n++, s->p++) {
        char c = *s->p;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) break;
        *value = *value * 16 + (uint32_t)digit;
    }
    return n >= least;
}

/* \xHH, \x{H...}, \uHHHH: s->p stands behind the letter. */
static bool ft__regex_code_point(ft__regex_parser *s, char letter, uint32_t *value) {
    const char *at = s->p - 2;
    bool ok;
    if (letter == 'u') ok = ft__regex_hex(s, 4, 4, value);
    else if (!ft__regex_skip(s, "{")) ok = ft__regex_hex(s, 2, 2, value);
    else ok = ft__regex_hex(s, 1, 6, value) && ft__regex_skip(s, "}");
    if (!ok) ft__regex_wrong(s, at, "expected \\xHH, \\x{H...} or \\uHHHH with hexadecimal digits");
    else if (*value > 0x10FFFF || (*value >= 0xD800 && *value <= 0xDFFF)) {
        ft__regex_wrong(s, at,
                        "no character has this number; write those beyond \\uFFFF as \\x{...}");
        ok = false;
    }
    return ok;
}

/* \pL, \p{Lu}, \P{N}: s->p stands behind the letter. */
static bool ft__regex_property(ft__regex_parser *s, ft__regex_item *item) {
    static const struct {
        const char *name;
        uint32_t set;
    } properties[] = {
        {"L", FT__CLASS_L},                    {"Lu", FT__CLASS_BIT(FT__UNICODE_LU)},
        {"Ll", FT__CLASS_BIT(FT__UNICODE_LL)}, {"Lt", FT__CLASS_BIT(FT__UNICODE_LT)},
        {"Lm", FT__CLASS_BIT(FT__UNICODE_LM)}, {"Lo", FT__CLASS_BIT(FT__UNICODE_LO)},
        {"M", FT__CLASS_BIT(FT__UNICODE_M)},   {"N", FT__CLASS_N},
        {"Nd", FT__CLASS_BIT(FT__UNICODE_ND)}, {"P", FT__CLASS_BIT(FT__UNICODE_P)},
        {"S", FT__CLASS_BIT(FT__UNICODE_S)},   {"Z", FT__CLASS_BIT(FT__UNICODE_Z)},
        {"C", FT__CLASS_BIT(FT__UNICODE_C) | FT__CLASS_BIT(FT__UNICODE_CONTROL_SPACE)},
    };
    const char *at = s->p - 2, *name = s->p;
    size_t n = 1;
    if (ft__regex_skip(s, "{")) {
        name = s->p;
        while (s->p < s->end && *s->p != '}') s->p++;
        n = (size_t)(s->p - name);
    }
    if (s->p < s->end) s->p++; /* the one letter, or } */
    else n = 0;
    for (size_t i = 0; i < FT__COUNT(properties); i++)
        if (ft__text_equal(properties[i].name, strlen(properties[i].name), name, n)) {
            item->set = properties[i].set;
            return true;
        }
    ft__regex_unsupported(s, at, "known classes are \\p{L} Lu Ll Lt Lm Lo M N Nd P S Z C");
    return false;
}

/* An escape that means the same inside and outside of brackets; s->p is behind its backslash. */
static bool ft__regex_escape(ft__regex_parser *s, ft__regex_item *item) {
    static const char letters[] = "ntrfva", values[] = "\n\t\r\f\v\a";
    const char *at = s->p - 1;
    uint32_t c = s->p < s->end ? ft__utf8_next(&s->p, s->end) : FT__REGEX_NO_CHAR;
    memset(item, 0, sizeof *item);
    const char *letter = c < 0x80 && c ? strchr(letters, (int)c) : NULL;
    if (letter) c = (uint32_t)values[letter - letters];
    else if (c == 'd' || c == 'D') item->set = FT__CLASS_BIT(FT__UNICODE_ND);
    else if (c == 'w' || c == 'W') item->set = FT__REGEX_WORD;
    else if (c == 's' || c == 'S') item->set = FT__REGEX_SPACE;
    else if (c == 'p' || c == 'P') {
        if (!ft__regex_property(s, item)) return false;
    } else if (c == 'x' || c == 'u') {
        if (!ft__regex_code_point(s, (char)c, &c)) return false;
    } else if (c >= '0' && c <= '9') {
        ft__regex_unsupported(s, at, "back-references are not supported: would not be linear");
        return false;
    } else if (c == FT__REGEX_NO_CHAR || (c | 32) - 'a' < 26u || c > 0x7F) {
        ft__regex_wrong(s, at, "unknown escape");
        return false;
    }
    item->negated = item->set && c < 'a'; /* \D \W \S \P */
    item->low = item->high = c;
    return true;
}

/* ---- brackets */

/* One character or escape inside of brackets. */
static bool ft__regex_class_atom(ft__regex_parser *s, ft__regex_item *item) {
    const char *at = s->p;
    memset(item, 0, sizeof *item);
    if (ft__regex_skip(s, "\\b")) {
        item->low = item->high = 8;
        return true;
    }
    if (ft__regex_skip(s, "\\")) return ft__regex_escape(s, item);
    if (ft__regex_at(s, "[:")) {
        ft__regex_unsupported(s, at, "[:name:] is not supported: use \\p{L}, \\d, \\w or \\s");
        return false;
    }
    item->low = item->high = ft__utf8_next(&s->p, s->end);
    if (item->low == FT__BAD_UTF8) ft__regex_wrong(s, at, "invalid UTF-8");
    return item->low != FT__BAD_UTF8;
}

static ft__regex_node *ft__regex_brackets(ft__regex_parser *s) {
    const char *open = s->p++;
    bool negated = ft__regex_skip(s, "^");
    size_t first = s->regex->n_items;
    for (const char *begin = s->p; s->p == begin || !ft__regex_at(s, "]");) { /* []] holds a ] */
        const char *at = s->p;
        ft__regex_item item, last;
        if (s->p == s->end) return ft__regex_wrong(s, open, "this [ has no ]");
        if (!ft__regex_class_atom(s, &item)) return NULL;
        if (ft__regex_at(s, "-") && !ft__regex_at(s, "-]") && s->end - s->p > 1) {
            s->p++;
            if (!ft__regex_class_atom(s, &last)) return NULL;
            if (item.set || last.set) return ft__regex_wrong(s, at, "a class cannot end a range");
            if (last.high < item.low)
                return ft__regex_wrong(s, at, "the range is the wrong way round");
            item.high = last.high;
        } else if ((s->flags & FT__REGEX_IGNORE_CASE) && !item.set) {
            /* k's one capital is K to ft__upper_char: a class of the Kelvin sign would miss it */
            item.low = item.high = ft__lower_char(item.low);
        }
        if (!ft__regex_add_item(s, item)) return NULL;
    }
    s->p++;
    return ft__regex_add_class(s, first, negated);
}

/* ---- groups, repeats */

/* What stands behind "(": s->p is moved past its opening.  False: an error was given. */
static bool ft__regex_group_head(ft__regex_parser *s) {
    const char *at = s->p - 1;
    if (!ft__regex_skip(s, "?") || ft__regex_skip(s, ":")) return true;
    if (ft__regex_at(s, "=") || ft__regex_at(s, "!") || ft__regex_at(s, "<=") ||
        ft__regex_at(s, "<!"))
        ft__regex_unsupported(s, at, "look-around is not supported: would not be linear");
    else if (ft__regex_at(s, "P="))
        ft__regex_unsupported(s, at, "back-references are not supported: would not be linear");
    else if (ft__regex_skip(s, "P<") || ft__regex_skip(s, "<")) {
        while (s->p < s->end && *s->p != '>') s->p++; /* the name of a group has no use here */
        if (ft__regex_skip(s, ">")) return true;
        ft__regex_wrong(s, at, "the group's name has no end");
    } else
        ft__regex_unsupported(s, at, "after (? only :, <name> and, at the start of the pattern, "
                                     "the flags i s m are supported");
    return false;
}

static ft__regex_node *ft__regex_group(ft__regex_parser *s) {
    const char *open = s->p++;
    if (!ft__regex_group_head(s)) return NULL;
    if (++s->depth > FT__REGEX_MAX_DEPTH)
        return ft__regex_bad(s, FT_ERR_LIMIT, open, "groups are nested deeper than 200");
    ft__regex_node *node = ft__regex_choice(s);
    s->depth--;
    if (node && !ft__regex_skip(s, ")")) return ft__regex_wrong(s, open, "this ( has no )");
    return node;
}

static ft__regex_node *ft__regex_atom(ft__regex_parser *s) {
    static const struct {
        const char *text;
        ft__regex_place place;
    } places[] = {
        {"\\A", FT__REGEX_BEGIN_TEXT}, {"\\z", FT__REGEX_END_TEXT}, {"\\Z", FT__REGEX_END_TEXT},
        {"\\b", FT__REGEX_WORD_EDGE},  {"\\B", FT__REGEX_NO_WORD_EDGE},
    };
    const char *at = s->p;
    bool lines = (s->flags & FT__REGEX_MULTILINE) != 0;
    ft__regex_item item;
    for (size_t i = 0; i < FT__COUNT(places); i++)
        if (ft__regex_skip(s, places[i].text))
            return ft__regex_one(s, FT__REGEX_ASSERT, places[i].place);
    switch (*s->p) {
    case '(': return ft__regex_group(s);
    case '[': return ft__regex_brackets(s);
    case '.':
        s->p++;
        return ft__regex_one(s, s->flags & FT__REGEX_DOT_ALL ? FT__REGEX_ANY : FT__REGEX_LINE, 0);
    case '^':
        s->p++;
        return ft__regex_one(s, FT__REGEX_ASSERT,
                             lines ? FT__REGEX_BEGIN_LINE : FT__REGEX_BEGIN_TEXT);
    case '$':
        s->p++;
        return ft__regex_one(s, FT__REGEX_ASSERT,
                             lines ? FT__REGEX_END_LINE : FT__REGEX_LAST_LINE_END);
    case '\\':
        s->p++;
        if (!ft__regex_escape(s, &item)) return NULL;
        if (item.set) {
            size_t first = s->regex->n_items;
            return ft__regex_add_item(s, item) ? ft__regex_add_class(s, first, false) : NULL;
        }
        break;
    default:
        item.low = ft__utf8_next(&s->p, s->end);
        if (item.low == FT__BAD_UTF8) return ft__regex_wrong(s, at, "invalid UTF-8");
    }
    if (s->flags & FT__REGEX_IGNORE_CASE) item.low = ft__lower_char(item.low);
    return ft__regex_one(s, FT__REGEX_CHAR, item.low);
}

/* Digits, capped far above every limit; false if there are none. */
static bool ft__regex_number(ft__regex_parser *s, uint32_t *value) {
    const char *begin = s->p;
    for (*value = 0; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++)
        if (*value <= FT__REGEX_MAX_CODE) *value = *value * 10 + (uint32_t)(*s->p - '0');
    return s->p > begin;
}

/* Reads * + ? {m} {m,} {,n} {m,n} if one is there. */
static bool ft__regex_quantifier(ft__regex_parser *s, uint32_t *min, uint32_t *max) {
    const char *begin = s->p;
    *min = ft__regex_at(s, "+");
    *max = ft__regex_at(s, "?") ? 1 : FT__REGEX_NO_MAX;
    if (ft__regex_skip(s, "*") || ft__regex_skip(s, "+") || ft__regex_skip(s, "?")) return true;
    if (!ft__regex_at(s, "{") || ft__regex_at(s, "{}")) return false;
    s->p++;
    bool has_min = ft__regex_number(s, min);
    if (!ft__regex_skip(s, ",")) *max = *min;
    else if (!ft__regex_number(s, max)) *max = FT__REGEX_NO_MAX;
    else has_min = true;
    if (ft__regex_skip(s, "}") && (has_min || s->p[-2] == ',')) return true;
    s->p = begin;
    return false;
}

/* An atom with the quantifier that may follow it. */
static ft__regex_node *ft__regex_part(ft__regex_parser *s) {
    uint32_t min, max;
    const char *at = s->p;
    if (ft__regex_quantifier(s, &min, &max)) return ft__regex_wrong(s, at, "nothing to repeat");
    ft__regex_node *node = ft__regex_atom(s);
    at = s->p;
    if (!node || !ft__regex_quantifier(s, &min, &max)) return node;
    if (ft__regex_at(s, "+"))
        return ft__regex_unsupported(s, at, "possessive repeats are not supported");
    ft__regex_skip(s, "?");
    if (max < min) return ft__regex_wrong(s, at, "the repeat's maximum is below its minimum");
    if (min > FT__REGEX_MAX_CODE || (max > FT__REGEX_MAX_CODE && max != FT__REGEX_NO_MAX))
        return ft__regex_bad(s, FT_ERR_LIMIT, at, "the repeat's count is above 20000");
    if (node->type == FT__REGEX_EMPTY) return node;
    ft__regex_node *repeat = ft__regex_node_new(s, max ? FT__REGEX_REPEAT : FT__REGEX_EMPTY);
    if (!repeat) return NULL;
    repeat->min = min;
    repeat->max = max;
    repeat->child = node;
    return repeat;
}

static ft__regex_node *ft__regex_sequence(ft__regex_parser *s) {
    ft__regex_node *sequence = ft__regex_node_new(s, FT__REGEX_EMPTY);
    ft__regex_node **last = sequence ? &sequence->child : NULL;
    while (sequence && s->p < s->end && *s->p != '|' && *s->p != ')') {
        ft__regex_node *part = ft__regex_part(s);
        if (!part) return NULL;
        if (part->type == FT__REGEX_EMPTY) continue;
        sequence->type = FT__REGEX_SEQUENCE;
        *last = part;
        last = &part->next;
    }
    return sequence;
}

static ft__regex_node *ft__regex_choice(ft__regex_parser *s) {
    ft__regex_node *first = ft__regex_sequence(s), *last = first;
    if (!first || !ft__regex_at(s, "|")) return first;
    ft__regex_node *choice = ft__regex_node_new(s, FT__REGEX_CHOICE);
    if (!choice) return NULL;
    choice->child = first;
    while (ft__regex_skip(s, "|")) {
        last->next = ft__regex_sequence(s);
        last = last->next;
        if (!last) return NULL;
    }
    return choice;
}

/* (?i), (?ms) and so on, which stand before everything else. */
static void ft__regex_flags(ft__regex_parser *s) {
    static const char letters[] = "ism";
    static const unsigned flags[] = {FT__REGEX_IGNORE_CASE, FT__REGEX_DOT_ALL, FT__REGEX_MULTILINE};
    while (ft__regex_at(s, "(?")) {
        const char *p = s->p + 2, *letter;
        unsigned found = 0;
        while (p < s->end && *p && (letter = strchr(letters, *p)) != NULL)
            found |= flags[letter - letters], p++;
        if (!found || p == s->end || *p != ')') return;
        s->flags |= found;
        s->p = p + 1;
    }
}

/* ---- tree to program */

static bool ft__regex_emit(ft__regex_parser *s, ft__regex_op op, uint32_t x, uint32_t y) {
    ft__regex *r = s->regex;
    if (r->n_code == FT__REGEX_MAX_CODE) {
        ft__fail(s->err, FT_ERR_LIMIT, "",
                 "pattern: too large (more than %d steps with its repeats written out)",
                 FT__REGEX_MAX_CODE);
        return false;
    }
    if (!ft__grow(&r->allocator, (void **)&r->code, &r->cap_code, r->n_code + 1, sizeof *r->code)) {
        ft__fail_memory(s->err);
        return false;
    }
    ft__regex_code *code = &r->code[r->n_code++];
    code->op = op;
    code->x = x;
    code->y = y;
    return true;
}

static bool ft__regex_write(ft__regex_parser *s, const ft__regex_node *node);

/* a|b|c: split to a or on; a; jump to the end; split to b or on ... */
static bool ft__regex_write_choice(ft__regex_parser *s, const ft__regex_node *node) {
    ft__regex *r = s->regex;
    uint32_t open_jump = 0; /* the last jump to the end; its x is the one before it, plus 1 */
    for (const ft__regex_node *part = node->child; part; part = part->next) {
        uint32_t here = (uint32_t)r->n_code;
        if (!part->next) {
            if (!ft__regex_write(s, part)) return false;
            break;
        }
        if (!ft__regex_emit(s, FT__REGEX_SPLIT, here + 1, 0) || !ft__regex_write(s, part) ||
            !ft__regex_emit(s, FT__REGEX_JUMP, open_jump, 0))
            return false;
        open_jump = (uint32_t)r->n_code;
        r->code[here].y = open_jump;
    }
    while (open_jump) {
        ft__regex_code *jump = &r->code[open_jump - 1];
        open_jump = jump->x;
        jump->x = (uint32_t)r->n_code;
    }
    return true;
}

/* x{m,n}: m copies, then n - m times "split to x or the end; x".
   x{m,}:  m copies, split back to the last one or on.   x*: split to x or the end; x; jump back. */
static bool ft__regex_write_repeat(ft__regex_parser *s, const ft__regex_node *node) {
    ft__regex *r = s->regex;
    uint32_t here = (uint32_t)r->n_code;
    for (uint32_t i = 0; i < node->min; i++) {
        here = (uint32_t)r->n_code;
        if (!ft__regex_write(s, node->child)) return false;
    }
    if (node->max == FT__REGEX_NO_MAX && node->min)
        return ft__regex_emit(s, FT__REGEX_SPLIT, here, (uint32_t)r->n_code + 1);
    uint32_t first = (uint32_t)r->n_code, stride = 0;
    uint32_t copies = node->max == FT__REGEX_NO_MAX ? 1 : node->max - node->min;
    for (uint32_t i = 0; i < copies; i++) {
        here = (uint32_t)r->n_code;
        if (!ft__regex_emit(s, FT__REGEX_SPLIT, here + 1, 0) || !ft__regex_write(s, node->child))
            return false;
        stride = (uint32_t)r->n_code - here;
    }
    if (node->max == FT__REGEX_NO_MAX && !ft__regex_emit(s, FT__REGEX_JUMP, first, 0)) return false;
    for (uint32_t i = 0; i < copies; i++) r->code[first + i * stride].y = (uint32_t)r->n_code;
    return true;
}

/* Recursion is as deep as the groups are nested, times a few.  Every node but EMPTY writes
   something, so that this ends no later than the program is full. */
static bool ft__regex_write(ft__regex_parser *s, const ft__regex_node *node) {
    switch (node->type) {
    case FT__REGEX_EMPTY: break;
    case FT__REGEX_ONE: return ft__regex_emit(s, node->op, node->x, 0);
    case FT__REGEX_CHOICE: return ft__regex_write_choice(s, node);
    case FT__REGEX_REPEAT: return ft__regex_write_repeat(s, node);
    case FT__REGEX_SEQUENCE:
        for (const ft__regex_node *part = node->child; part; part = part->next)
            if (!ft__regex_write(s, part)) return false;
        break;
    }
    return true;
}

static bool ft__regex_build(ft__regex_parser *s) {
    ft__regex_flags(s);
    s->regex->flags = s->flags;
    ft__regex_node *root = ft__regex_choice(s);
    bool full = (s->flags & FT__REGEX_WHOLE) != 0;
    if (!root) return false;
    if (s->p < s->end) {
        ft__regex_wrong(s, s->p, "this ) has no (");
        return false;
    }
    return (!full || ft__regex_emit(s, FT__REGEX_ASSERT, FT__REGEX_BEGIN_TEXT, 0)) &&
           ft__regex_write(s, root) &&
           (!full || ft__regex_emit(s, FT__REGEX_ASSERT, FT__REGEX_END_TEXT, 0)) &&
           ft__regex_emit(s, FT__REGEX_MATCH, 0, 0);
}

FT__PRIV ft__regex *ft__regex_compile(const char *pattern, size_t n, unsigned flags,
                                      const ft_allocator *a, ft_error *err) {
    ft_allocator allocator = ft__allocator(a);
    ft__regex *regex = (ft__regex *)ft__alloc_zero(&allocator, 1, sizeof *regex);
    ft__regex_parser parser;
    if (!regex) {
        ft__fail_memory(err);
        return NULL;
    }
    regex->allocator = allocator;
    memset(&parser, 0, sizeof parser);
    parser.start = parser.p = pattern;
    parser.end = pattern + n;
    parser.flags = flags;
    parser.regex = regex;
    parser.err = err;
    ft__arena_init(&parser.arena, &allocator);
    bool ok = ft__regex_build(&parser);
    ft__arena_free(&parser.arena);
    if (ok) return regex;
    ft__regex_free(regex);
    return NULL;
}

FT__PRIV void ft__regex_free(ft__regex *regex) {
    if (!regex) return;
    ft_allocator allocator = regex->allocator;
    ft__free(&allocator, regex->code);
    ft__free(&allocator, regex->classes);
    ft__free(&allocator, regex->items);
    ft__free(&allocator, regex);
}

/* ---- search */

/* All of it is (n_code): places to start from, places that wait for a character, the turn in which
   an instruction was last reached, and those still to be looked at. */
typedef struct ft__regex_scratch {
    uint32_t *from, *waiting, *seen, *stack;
    size_t n_from, n_waiting;
    uint32_t turn;
} ft__regex_scratch;

static bool ft__regex_holds(uint32_t place, uint32_t before, uint32_t after, bool last) {
    const uint32_t none = FT__REGEX_NO_CHAR;
    switch ((ft__regex_place)place) {
    case FT__REGEX_BEGIN_TEXT: return before == none;
    case FT__REGEX_END_TEXT: return after == none;
    case FT__REGEX_BEGIN_LINE: return before == none || before == '\n';
    case FT__REGEX_END_LINE: return after == none || after == '\n';
    case FT__REGEX_LAST_LINE_END: return after == none || (after == '\n' && last);
    case FT__REGEX_WORD_EDGE: return ft__is_word(before) != ft__is_word(after);
    case FT__REGEX_NO_WORD_EDGE: return ft__is_word(before) == ft__is_word(after);
    }
    return false;
}

static bool ft__regex_eats(const ft__regex *r, const ft__regex_code *code, uint32_t c) {
    switch (code->op) {
    case FT__REGEX_CHAR:
        return c == code->x || ((r->flags & FT__REGEX_IGNORE_CASE) && c != FT__BAD_UTF8 &&
                                ft__lower_char(c) == code->x);
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

/* Follows everything that needs no character from `pc` on, each instruction once a turn. */
static bool ft__regex_follow(const ft__regex *r, ft__regex_scratch *s, uint32_t pc, uint32_t before,
                             uint32_t after, bool last) {
    size_t n = 0;
    uint32_t next[2];
    if (s->seen[pc] == s->turn) return false;
    s->seen[pc] = s->turn;
    s->stack[n++] = pc;
    while (n) {
        const ft__regex_code *code = &r->code[pc = s->stack[--n]];
        int n_next = 0;
        switch (code->op) {
        case FT__REGEX_MATCH: return true;
        case FT__REGEX_SPLIT: next[n_next++] = code->y; next[n_next++] = code->x; break;
        case FT__REGEX_JUMP: next[n_next++] = code->x; break;
        case FT__REGEX_ASSERT:
            if (ft__regex_holds(code->x, before, after, last)) next[n_next++] = pc + 1;
            break;
        default: s->waiting[s->n_waiting++] = pc;
        }
        for (int i = 0; i < n_next; i++) {
            if (s->seen[next[i]] == s->turn) continue;
            s->seen[next[i]] = s->turn;
            s->stack[n++] = next[i];
        }
    }
    return false;
}

static bool ft__regex_run(const ft__regex *r, ft__regex_scratch *s, const char *text, size_t n) {
    const char *p = text, *end = text + n;
    bool anchored = r->code[0].op == FT__REGEX_ASSERT && r->code[0].x == FT__REGEX_BEGIN_TEXT;
    uint32_t before = FT__REGEX_NO_CHAR, after;
    for (;; before = after) {
        bool at_end = p == end;
        after = at_end ? FT__REGEX_NO_CHAR : ft__utf8_next(&p, end);
        if (++s->turn == 0) { /* after 4 G characters */
            memset(s->seen, 0, r->n_code * sizeof *s->seen);
            s->turn = 1;
        }
        s->n_waiting = 0;
        for (size_t i = 0; i < s->n_from; i++)
            if (ft__regex_follow(r, s, s->from[i], before, after, p == end)) return true;
        /* a match may begin here, too */
        if (ft__regex_follow(r, s, 0, before, after, p == end)) return true;
        if (at_end || (anchored && s->n_waiting == 0)) return false;
        s->n_from = 0;
        for (size_t i = 0; i < s->n_waiting; i++)
            if (ft__regex_eats(r, &r->code[s->waiting[i]], after))
                s->from[s->n_from++] = s->waiting[i] + 1;
    }
}

FT__PRIV ft_status ft__regex_search(const ft__regex *regex, const char *text, size_t n, bool *found,
                                    ft_error *err) {
    ft__regex_scratch scratch;
    uint32_t *memory =
        (uint32_t *)ft__alloc_zero(&regex->allocator, 4 * regex->n_code, sizeof *memory);
    if (!memory) return ft__fail_memory(err);
    memset(&scratch, 0, sizeof scratch);
    scratch.from = memory;
    scratch.waiting = memory + regex->n_code;
    scratch.seen = memory + 2 * regex->n_code;
    scratch.stack = memory + 3 * regex->n_code;
    *found = ft__regex_run(regex, &scratch, text, n);
    ft__free(&regex->allocator, memory);
    return FT_OK;
}

#undef FT__REGEX_NO_CHAR
#undef FT__REGEX_UNDERSCORE
#undef FT__REGEX_SEPARATORS
#undef FT__REGEX_WORD
#undef FT__REGEX_SPACE
