/* Regular expressions that take time linear in the text, whatever the pattern.  That excludes
   back-references, look-around, possessive repeats and atomic groups, and says so.

   The syntax and its meaning are Python's: characters are code points, \d \w \s and \b know
   Unicode, . is anything but a line feed, $ stands at the end or before a last line feed, \Z at the
   end, { that begins no repeat is itself.  Ignoring case compares letters as Python does: by their
   simple lower case and what shares its capital with it (the Kelvin sign is a k, the final sigma a
   sigma).  Of PCRE there is what is common and takes nothing away from Python: \p{..}, \h \N \R (\R
   may take the first half of CR LF if that helps), \x{..} \cX \e, \Q..\E, classes like [[:alpha:]]
   (of Unicode), flags anywhere: (?i) to the end of the group, (?i-s:...).  With FT__REGEX_ECMA it
   is the ECMA-262 of JSON Schema, with its flag u: what that refuses is refused.

   An invalid byte is one character that only . and negated classes match.

   A pattern becomes a tree, the tree a program (regex.h); counted repeats become copies.
   regex_match.c runs it. */
#include "regex.h"
#include "regex_tables.h"

enum {
    FT__REGEX_MAX_DEPTH = 200,     /* nested groups */
    FT__REGEX_NO_MAX = 0x7FFFFFFF, /* a repeat without upper end */
    FT__REGEX_VERBOSE = 0x100,     /* a flag only of patterns: blanks and #... mean nothing */
    FT__REGEX_ASCII = 0x200        /* the same: \d \w \s \b know only ASCII */
};

/* ---- characters */

/* A letter and what it is compared as, where that is not all that lower case has to say: other
   forms of small letters, and letters that share their small letter with a more usual capital.  In
   order. */
static const uint16_t ft__regex_alike[][2] = {
    {0xB5, 0x3BC},    {0x130, 0x69},    {0x131, 0x69},   {0x17F, 0x73},   {0x1C5, 0x1C6},
    {0x1C8, 0x1C9},   {0x1CB, 0x1CC},   {0x1F2, 0x1F3},  {0x345, 0x3B9},  {0x3C2, 0x3C3},
    {0x3D0, 0x3B2},   {0x3D1, 0x3B8},   {0x3D5, 0x3C6},  {0x3D6, 0x3C0},  {0x3F0, 0x3BA},
    {0x3F1, 0x3C1},   {0x3F4, 0x3B8},   {0x3F5, 0x3B5},  {0x1C80, 0x432}, {0x1C81, 0x434},
    {0x1C82, 0x43E},  {0x1C83, 0x441},  {0x1C84, 0x442}, {0x1C85, 0x442}, {0x1C86, 0x44A},
    {0x1C87, 0x463},  {0x1C88, 0xA64B}, {0x1E9B, 0x1E61}, {0x1E9E, 0xDF}, {0x1FBE, 0x3B9},
    {0x1FD3, 0x390},  {0x1FE3, 0x3B0},  {0x2126, 0x3C9}, {0x212A, 0x6B},  {0x212B, 0xE5},
    {0xFB05, 0xFB06},
};

/* Letters that differ only in case give the same. */
FT__PRIV uint32_t ft__regex_fold(uint32_t c) {
    if (c < 0x80) return c - 'A' < 26u ? c + 32 : c;
    if (c > 0x10FFFF) return c; /* an invalid byte */
    for (size_t i = 0; i < FT__COUNT(ft__regex_alike) && ft__regex_alike[i][0] <= c; i++)
        if (ft__regex_alike[i][0] == c) return ft__regex_alike[i][1];
    return ft__lower_char(c);
}

static bool ft__regex_in_ranges(const uint32_t *ranges, uint32_t c) {
    for (; ranges && ranges[0] <= c; ranges += 2)
        if (c <= ranges[1]) return true;
    return false;
}

static bool ft__regex_has(const ft__regex_property *property, uint32_t c) {
    if (c > 0x10FFFF) return false; /* an invalid byte, no character */
    if (ft__regex_in_ranges(property->more, c)) return true;
    return property->set && (FT__CLASS_BIT(ft__char_class_of(c)) & property->set) != 0 &&
           !ft__regex_in_ranges(property->less, c);
}

static bool ft__regex_class_has(const ft__regex *r, const ft__regex_class *k, uint32_t c) {
    for (size_t i = k->first; i < k->first + k->count; i++) {
        const ft__regex_item *item = &r->items[i];
        if (item->property ? ft__regex_has(item->property, c) != item->negated
                           : item->low <= c && c <= item->high)
            return true;
    }
    return false;
}

/* Ignoring case, a class has a letter if it has any of those that are compared as the same. */
FT__PRIV bool ft__regex_class_find(const ft__regex *r, const ft__regex_class *k, uint32_t c) {
    bool has = ft__regex_class_has(r, k, c);
    if (!k->any_case || has || c > 0x10FFFF) return has != k->negated;
    uint32_t lower = ft__regex_fold(c), upper = ft__upper_char(lower);
    has = ft__regex_class_has(r, k, lower) || ft__regex_class_has(r, k, upper);
    for (size_t i = 0; i < FT__COUNT(ft__regex_alike) && !has; i++)
        if (ft__regex_alike[i][1] == lower) {
            uint32_t other = ft__regex_alike[i][0];
            has = ft__regex_class_has(r, k, other) ||
                  ft__regex_class_has(r, k, ft__upper_char(other));
        }
    return has != k->negated;
}

/* Is there another character that differs only in case? */
static bool ft__regex_has_cases(uint32_t c) {
    if (ft__regex_fold(c) != c || ft__upper_char(c) != c) return true;
    for (size_t i = 0; i < FT__COUNT(ft__regex_alike); i++)
        if (ft__regex_alike[i][1] == c) return true;
    return false;
}

/* ---- pattern to tree */

typedef enum ft__regex_type {
    FT__REGEX_EMPTY, FT__REGEX_ONE, FT__REGEX_GROUP, FT__REGEX_SEQUENCE, FT__REGEX_CHOICE,
    FT__REGEX_REPEAT
} ft__regex_type;

typedef struct ft__regex_node ft__regex_node;
struct ft__regex_node {
    ft__regex_type type;
    ft__regex_op op;       /* ONE */
    uint32_t x;            /* ONE; GROUP: its number */
    uint32_t min, max;     /* REPEAT */
    bool lazy;             /* REPEAT: rather less than more */
    bool nullable;         /* may match an empty text */
    bool idle;             /* matches nothing else, anywhere */
    ft__regex_node *child; /* the parts, or what repeats; no part of a sequence is EMPTY */
    ft__regex_node *next;
};

typedef struct ft__regex_parser {
    const char *start, *p, *end;
    unsigned flags;
    bool ecma, quoted; /* quoted: between \Q and \E */
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

static ft__regex_node *ft__regex_no_references(ft__regex_parser *s, const char *at) {
    return ft__regex_unsupported(s, at, "back-references are not supported: would not be linear");
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
    if (!node) {
        ft__fail_memory(s->err);
        return NULL;
    }
    node->type = type;
    node->nullable = node->idle = type == FT__REGEX_EMPTY || type == FT__REGEX_SEQUENCE;
    return node;
}

static ft__regex_node *ft__regex_one(ft__regex_parser *s, ft__regex_op op, uint32_t x) {
    ft__regex_node *node = ft__regex_node_new(s, FT__REGEX_ONE);
    if (!node) return NULL;
    node->op = op;
    node->x = x;
    node->nullable = op == FT__REGEX_ASSERT;
    return node;
}

static ft__regex_node *ft__regex_character(ft__regex_parser *s, uint32_t c) {
    if ((s->flags & FT__REGEX_IGNORE_CASE) && ft__regex_has_cases(c))
        return ft__regex_one(s, FT__REGEX_FOLDED, ft__regex_fold(c));
    return ft__regex_one(s, FT__REGEX_CHAR, c);
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
    k->any_case = (s->flags & FT__REGEX_IGNORE_CASE) != 0;
    for (uint32_t c = 0; c < 0x80; c++)
        if (ft__regex_class_find(r, k, c)) k->ascii[c / 32] |= 1u << c % 32;
    return ft__regex_one(s, FT__REGEX_CLASS, (uint32_t)r->n_classes++);
}

static ft__regex_node *ft__regex_property_node(ft__regex_parser *s, int property) {
    ft__regex_item item;
    size_t first = s->regex->n_items;
    memset(&item, 0, sizeof item);
    item.property = &ft__regex_properties[property];
    return ft__regex_add_item(s, item) ? ft__regex_add_class(s, first, false) : NULL;
}

/* ---- escapes */

/* Between `least` and `most` digits of the base. */
static bool ft__regex_digits(ft__regex_parser *s, uint32_t base, int least, int most,
                             uint32_t *value) {
    int n = 0;
    for (*value = 0; n < most && s->p < s->end; n++, s->p++) {
        uint32_t c = (unsigned char)*s->p, letter = (c | 32) - 'a';
        uint32_t digit = c - '0' < 10u ? c - '0' : letter < 6u ? letter + 10 : base;
        if (digit >= base) break;
        *value = *value * base + digit;
    }
    return n >= least;
}

/* \xHH \x{H...} \uHHHH \u{H...} \UHHHHHHHH: s->p stands behind the letter.  For ECMA-262 two halves
   \uD83D\uDE00 are one character. */
static bool ft__regex_code_point(ft__regex_parser *s, char letter, uint32_t *value) {
    const char *at = s->p - 2;
    int digits = letter == 'x' ? 2 : letter == 'u' ? 4 : 8;
    uint32_t low;
    bool ok, braces = !(s->ecma && letter == 'x') && ft__regex_skip(s, "{");
    if (braces) ok = ft__regex_digits(s, 16, 1, 6, value) && ft__regex_skip(s, "}");
    else ok = ft__regex_digits(s, 16, digits, digits, value);
    const char *behind = s->p;
    if (ok && s->ecma && !braces && *value >= 0xD800 && *value <= 0xDBFF &&
        ft__regex_skip(s, "\\u") && ft__regex_digits(s, 16, 4, 4, &low) && low >= 0xDC00 &&
        low <= 0xDFFF)
        *value = 0x10000 + ((*value - 0xD800) << 10) + (low - 0xDC00);
    else s->p = behind;
    if (!ok)
        ft__regex_wrong(s, at, "expected \\xHH, \\x{H...} or \\uHHHH with hexadecimal digits");
    else if (*value > 0x10FFFF || (*value >= 0xD800 && *value <= 0xDFFF)) {
        ft__regex_wrong(s, at,
                        "no character has this number; write those beyond \\uFFFF as \\u{...}");
        ok = false;
    }
    return ok;
}

/* Is the word among those of the list, which have single blanks between them? */
static bool ft__regex_is_named(const char *list, const char *word, size_t n) {
    for (const char *p = list; *p; p += strcspn(p, " "), p += *p == ' ')
        if (ft__text_equal(p, strcspn(p, " "), word, n)) return true;
    return false;
}

static const ft__regex_property *ft__regex_find_name(const char *name, size_t n) {
    const char *equals = (const char *)memchr(name, '=', n);
    size_t n_key = equals ? (size_t)(equals - name) : 0, skip = equals ? n_key + 1 : 0;
    if (!equals || ft__regex_is_named("gc General_Category", name, n_key))
        for (size_t i = 0; i < FT__COUNT(ft__regex_properties); i++)
            if (ft__regex_is_named(ft__regex_properties[i].names, name + skip, n - skip))
                return &ft__regex_properties[i];
    if (!equals || ft__regex_is_named("sc Script", name, n_key))
        for (size_t i = 0; i < FT__COUNT(ft__regex_scripts); i++)
            if (ft__regex_is_named(ft__regex_scripts[i].names, name + skip, n - skip))
                return &ft__regex_scripts[i];
    return NULL;
}

/* \pL \p{Lu} \p{^Lu} \P{Script=Greek}: s->p stands behind the letter. */
static bool ft__regex_read_property(ft__regex_parser *s, ft__regex_item *item) {
    const char *at = s->p - 2, *name = s->p;
    item->negated = s->p[-1] == 'P';
    if (ft__regex_skip(s, "{")) {
        if (!s->ecma && ft__regex_skip(s, "^")) item->negated = !item->negated;
        for (name = s->p; s->p < s->end && *s->p != '}';) s->p++;
        if (s->p < s->end) item->property = ft__regex_find_name(name, (size_t)(s->p++ - name));
    } else if (s->p < s->end && !s->ecma) {
        s->p++;
        item->property = ft__regex_find_name(name, 1);
    }
    if (item->property) return true;
    if (s->ecma && (s->p[-1] != '}' || name[0] == '^'))
        ft__regex_wrong(s, at, "expected \\p{Name}");
    else
        ft__regex_unsupported(s, at,
                              "known classes are \\p{L} Lu Ll Lt Lm Lo M Me N Nd Nl No P Pc Pd Pi "
                              "Pf S Sc Z Zs C Cc Cf Co and large scripts like \\p{Han}");
    return false;
}

/* What \d \w \s and (not of ECMA-262) \h stand for; -1: another letter. */
static int ft__regex_shorthand(const ft__regex_parser *s, uint32_t letter) {
    bool ascii = (s->flags & FT__REGEX_ASCII) != 0;
    switch (letter) {
    case 'd': return ascii ? FT__REGEX_ASCII_DIGIT : FT__REGEX_DIGIT;
    case 'w': return ascii ? FT__REGEX_ASCII_WORD : FT__REGEX_WORD;
    case 's':
        return s->ecma ? FT__REGEX_ECMA_SPACE : ascii ? FT__REGEX_ASCII_SPACE : FT__REGEX_SPACE;
    case 'h': return s->ecma ? -1 : FT__REGEX_BLANK;
    default: return -1;
    }
}

/* Escapes that are one character; `c` stands behind the backslash and s->p behind that. */
static bool ft__regex_escaped_char(ft__regex_parser *s, uint32_t c, const char *at,
                                   uint32_t *value) {
    static const char letters[] = "ntrfvae", values[] = "\n\t\r\f\v\a\x1B";
    const char *letter = c < 0x80 && c ? strchr(letters, (int)c) : NULL;
    uint32_t next = s->p < s->end ? (unsigned char)*s->p : 0;
    *value = c;
    if (letter && !(s->ecma && (c == 'a' || c == 'e'))) {
        *value = (uint32_t)values[letter - letters];
        return true;
    }
    if (c == 'x' || c == 'u' || (c == 'U' && !s->ecma))
        return ft__regex_code_point(s, (char)c, value);
    if (c == 'c' && (next | 32) - 'a' < 26u) { /* \cA to \cZ */
        *value = (unsigned char)*s->p++ % 32;
        return true;
    }
    if (c == '0' && !(s->ecma && next - '0' < 10u))
        return ft__regex_digits(s, 8, 0, s->ecma ? 0 : 2, value);
    if (c == 'k' || (c == 'g' && !s->ecma) || c - '0' < 10u)
        return ft__regex_no_references(s, at) != NULL;
    if (c < 0x80 && strchr("GKNRXC", (int)c) && c && !s->ecma)
        return ft__regex_unsupported(s, at,
                                     "\\G \\K \\X \\C and \\N{..} are not supported, nor are "
                                     "\\N and \\R in brackets") != NULL;
    bool known = c < 0x80 ? (c | 32) - 'a' >= 26u : c <= 0x10FFFF && c != FT__REGEX_NO_CHAR;
    if (s->ecma) known = c < 0x80 && c && strchr("^$\\.*+?()[]{}|/-", (int)c);
    if (!known) ft__regex_wrong(s, at, "unknown escape");
    return known;
}

/* An escape that means the same inside and outside of brackets; s->p is behind its backslash. */
static bool ft__regex_escape(ft__regex_parser *s, ft__regex_item *item) {
    const char *at = s->p - 1;
    uint32_t c = s->p < s->end ? ft__utf8_next(&s->p, s->end) : FT__REGEX_NO_CHAR;
    int shorthand = c < 0x80 ? ft__regex_shorthand(s, c | 32) : -1;
    memset(item, 0, sizeof *item);
    if (c == 'p' || c == 'P') return ft__regex_read_property(s, item);
    if (shorthand >= 0 && (c | 32) - 'a' < 26u) {
        item->property = &ft__regex_properties[shorthand];
        item->negated = c < 'a'; /* \D \W \S \H */
        return true;
    }
    if (!ft__regex_escaped_char(s, c, at, &item->low)) return false;
    item->high = item->low;
    return true;
}

/* ---- brackets */

/* [:alpha:] or [:^alpha:], if such a thing stands here.  False: an error was given. */
static bool ft__regex_posix(ft__regex_parser *s, ft__regex_item *item) {
    const char *at = s->p, *name = s->p + 2;
    if (s->ecma || !ft__regex_at(s, "[:")) return true;
    bool negated = name < s->end && *name == '^';
    const char *end = name += negated;
    while (end < s->end && (uint32_t)(*end - 'a') < 26u) end++;
    if (s->end - end < 2 || memcmp(end, ":]", 2) != 0) return true;
    for (size_t i = 0; i < FT__COUNT(ft__regex_properties) && end > name; i++)
        if (ft__regex_is_named(ft__regex_properties[i].posix, name, (size_t)(end - name)))
            item->property = &ft__regex_properties[i];
    item->negated = negated;
    s->p = end + 2;
    if (!item->property)
        ft__regex_wrong(s, at,
                        "known are [:alpha:] alnum ascii blank cntrl digit graph lower print "
                        "punct space upper word xdigit");
    return item->property != NULL;
}

/* One character, escape or class inside of brackets. */
static bool ft__regex_class_atom(ft__regex_parser *s, ft__regex_item *item) {
    const char *at = s->p;
    memset(item, 0, sizeof *item);
    if (ft__regex_skip(s, "\\b")) {
        item->low = item->high = 8;
        return true;
    }
    if (ft__regex_skip(s, "\\")) return ft__regex_escape(s, item);
    if (!ft__regex_posix(s, item) || item->property) return item->property != NULL;
    item->low = item->high = ft__utf8_next(&s->p, s->end);
    if (item->low == FT__BAD_UTF8) ft__regex_wrong(s, at, "invalid UTF-8");
    return item->low != FT__BAD_UTF8;
}

/* []] holds a ], but for ECMA-262 [] holds nothing. */
static ft__regex_node *ft__regex_brackets(ft__regex_parser *s) {
    const char *open = s->p++;
    bool negated = ft__regex_skip(s, "^");
    size_t first = s->regex->n_items;
    for (const char *begin = s->p; (s->p == begin && !s->ecma) || !ft__regex_at(s, "]");) {
        const char *at = s->p;
        ft__regex_item item, last;
        if (s->p == s->end) return ft__regex_wrong(s, open, "this [ has no ]");
        if (!ft__regex_class_atom(s, &item)) return NULL;
        if (ft__regex_at(s, "-") && !ft__regex_at(s, "-]") && s->end - s->p > 1) {
            s->p++;
            if (!ft__regex_class_atom(s, &last)) return NULL;
            if (item.property || last.property)
                return ft__regex_wrong(s, at, "a class cannot end a range");
            if (last.high < item.low)
                return ft__regex_wrong(s, at, "the range is the wrong way round");
            item.high = last.high;
        }
        if (!ft__regex_add_item(s, item)) return NULL;
    }
    s->p++;
    return ft__regex_add_class(s, first, negated);
}

/* ---- groups */

/* The flags of (?i) or (?i-s:...), s->p behind the question mark.  Moves s->p past them, or not at
   all: then these are no flags. */
static unsigned ft__regex_flags(ft__regex_parser *s) {
    static const char letters[] = "ismxau";
    static const unsigned flags[] = {FT__REGEX_IGNORE_CASE, FT__REGEX_DOT_ALL, FT__REGEX_MULTILINE,
                                     FT__REGEX_VERBOSE, FT__REGEX_ASCII, FT__REGEX_ASCII};
    unsigned result = s->flags;
    bool off = false;
    const char *p = s->p, *letter;
    for (; p < s->end && *p && *p != ')' && *p != ':'; p++) {
        if (*p == '-' && !off) off = true;
        else if ((letter = strchr(letters, *p)) == NULL) return result;
        else if (off || *letter == 'u') result &= ~flags[letter - letters];
        else result |= flags[letter - letters];
    }
    if (p < s->end && *p && p > s->p) s->p = p;
    return result;
}

/* The name behind (?P< or (?<.  Nothing here asks for it, but it has to be one. */
static bool ft__regex_group_name(ft__regex_parser *s, const char *at) {
    const char *name = s->p;
    bool good = true;
    while (s->p < s->end && *s->p != '>') {
        bool first = s->p == name;
        uint32_t c = ft__utf8_next(&s->p, s->end);
        good = good && (ft__is_word(c) || (s->ecma && c == '$')) && !(first && c - '0' < 10u);
    }
    if (s->p == s->end) ft__regex_wrong(s, at, "the group's name has no end");
    else if (s->p == name || !good) ft__regex_wrong(s, at, "this is no name for a group");
    else return ft__regex_skip(s, ">");
    return false;
}

typedef enum ft__regex_open { /* what a parenthesis opens */
    FT__REGEX_OPEN_BAD, FT__REGEX_OPEN_GROUP, FT__REGEX_OPEN_PLAIN, FT__REGEX_OPEN_FLAGS
} ft__regex_open;

/* What stands behind "(": s->p is moved past its opening. */
static ft__regex_open ft__regex_group_head(ft__regex_parser *s) {
    const char *at = s->p - 1;
    if (!ft__regex_skip(s, "?")) return FT__REGEX_OPEN_GROUP;
    if (ft__regex_skip(s, ":")) return FT__REGEX_OPEN_PLAIN;
    const char *begin = s->p;
    unsigned flags = s->ecma ? 0 : ft__regex_flags(s);
    if (s->p > begin) {
        s->flags = flags;
        return *s->p++ == ':' ? FT__REGEX_OPEN_PLAIN : FT__REGEX_OPEN_FLAGS;
    }
    if (ft__regex_at(s, "=") || ft__regex_at(s, "!") || ft__regex_at(s, "<=") ||
        ft__regex_at(s, "<!"))
        ft__regex_unsupported(s, at, "look-around is not supported: would not be linear");
    else if (s->ecma && !ft__regex_at(s, "<"))
        ft__regex_wrong(s, at, "after (? may only stand : = ! <= <! and <name>");
    else if (ft__regex_at(s, ">"))
        ft__regex_unsupported(s, at, "atomic groups are not supported: would not be linear");
    else if (ft__regex_at(s, "P="))
        ft__regex_no_references(s, at);
    else if (ft__regex_at(s, "#"))
        ft__regex_wrong(s, at, "this comment has no )");
    else if (ft__regex_skip(s, "<") || ft__regex_skip(s, "P<"))
        return ft__regex_group_name(s, at) ? FT__REGEX_OPEN_GROUP : FT__REGEX_OPEN_BAD;
    else
        ft__regex_unsupported(s, at, "after (? only :, <name>, P<name>, #comment) and the flags "
                                     "i s m x a u are supported");
    return FT__REGEX_OPEN_BAD;
}

/* Flags hold to the end of the group that they stand in. */
static ft__regex_node *ft__regex_group(ft__regex_parser *s) {
    const char *open = s->p++;
    unsigned flags = s->flags;
    ft__regex_open head = ft__regex_group_head(s);
    ft__regex_node *group = NULL;
    if (head == FT__REGEX_OPEN_BAD) return NULL;
    if (head == FT__REGEX_OPEN_FLAGS) return ft__regex_node_new(s, FT__REGEX_EMPTY);
    if (head == FT__REGEX_OPEN_GROUP) {
        group = ft__regex_node_new(s, FT__REGEX_GROUP);
        if (!group) return NULL;
        group->x = (uint32_t)s->regex->n_groups++;
    }
    if (++s->depth > FT__REGEX_MAX_DEPTH)
        return ft__regex_bad(s, FT_ERR_LIMIT, open, "groups are nested deeper than 200");
    ft__regex_node *node = ft__regex_choice(s);
    s->depth--;
    s->flags = flags;
    if (node && !ft__regex_skip(s, ")")) return ft__regex_wrong(s, open, "this ( has no )");
    if (!node || !group) return node;
    group->child = node;
    group->nullable = node->nullable;
    group->idle = node->idle;
    return group;
}

/* ---- characters, repeats */

/* Moves past what means nothing: \Q and \E, (?#comments), in verbose patterns blanks and #... */
static void ft__regex_skip_idle(ft__regex_parser *s) {
    while (s->p < s->end && !s->ecma) {
        const char *end;
        size_t left = (size_t)(s->end - s->p);
        if (s->quoted) {
            if (!ft__regex_skip(s, "\\E")) return;
            s->quoted = false;
        } else if (ft__regex_skip(s, "\\Q")) {
            s->quoted = true;
        } else if (ft__regex_at(s, "(?#")) {
            if ((end = (const char *)memchr(s->p, ')', left)) == NULL) return;
            s->p = end + 1;
        } else if ((s->flags & FT__REGEX_VERBOSE) && *s->p == '#') {
            end = (const char *)memchr(s->p, '\n', left);
            s->p = end ? end : s->end;
        } else if ((s->flags & FT__REGEX_VERBOSE) && *s->p && strchr(" \t\n\r\f\v", *s->p)) {
            s->p++;
        } else {
            return;
        }
    }
}

/* \R: CR LF or any other end of a line. */
static ft__regex_node *ft__regex_line_end(ft__regex_parser *s) {
    ft__regex_node *choice = ft__regex_node_new(s, FT__REGEX_CHOICE);
    ft__regex_node *both = ft__regex_node_new(s, FT__REGEX_SEQUENCE);
    ft__regex_node *cr = ft__regex_one(s, FT__REGEX_CHAR, '\r');
    ft__regex_node *lf = ft__regex_one(s, FT__REGEX_CHAR, '\n');
    ft__regex_node *any = ft__regex_property_node(s, FT__REGEX_LINE_END);
    if (!choice || !both || !cr || !lf || !any) return NULL;
    choice->child = both;
    both->child = cr;
    both->nullable = both->idle = false;
    cr->next = lf;
    both->next = any;
    return choice;
}

static ft__regex_node *ft__regex_dot(ft__regex_parser *s) {
    ft__regex_item item;
    size_t first = s->regex->n_items;
    if (s->flags & FT__REGEX_DOT_ALL) return ft__regex_one(s, FT__REGEX_ANY, 0);
    if (!s->ecma) return ft__regex_one(s, FT__REGEX_LINE, 0);
    memset(&item, 0, sizeof item);
    item.low = item.high = '\n';
    if (!ft__regex_add_item(s, item)) return NULL;
    item.low = item.high = '\r';
    if (!ft__regex_add_item(s, item)) return NULL;
    item.low = 0x2028;
    item.high = 0x2029;
    if (!ft__regex_add_item(s, item)) return NULL;
    return ft__regex_add_class(s, first, true);
}

/* The place that stands here, s->p is moved past it; -1: none. */
static int ft__regex_read_place(ft__regex_parser *s) {
    bool lines = (s->flags & FT__REGEX_MULTILINE) != 0, ascii = (s->flags & FT__REGEX_ASCII) != 0;
    if (ft__regex_skip(s, "^")) return lines ? FT__REGEX_BEGIN_LINE : FT__REGEX_BEGIN_TEXT;
    if (ft__regex_skip(s, "$"))
        return lines ? FT__REGEX_END_LINE : s->ecma ? FT__REGEX_END_TEXT : FT__REGEX_LAST_LINE_END;
    if (ft__regex_skip(s, "\\b")) return ascii ? FT__REGEX_ASCII_EDGE : FT__REGEX_WORD_EDGE;
    if (ft__regex_skip(s, "\\B")) return ascii ? FT__REGEX_NO_ASCII_EDGE : FT__REGEX_NO_WORD_EDGE;
    if (s->ecma) return -1;
    if (ft__regex_skip(s, "\\A")) return FT__REGEX_BEGIN_TEXT;
    return ft__regex_skip(s, "\\z") || ft__regex_skip(s, "\\Z") ? FT__REGEX_END_TEXT : -1;
}

static ft__regex_node *ft__regex_atom(ft__regex_parser *s) {
    const char *at = s->p;
    ft__regex_item item;
    int place = s->quoted ? -1 : ft__regex_read_place(s);
    if (place >= 0) return ft__regex_one(s, FT__REGEX_ASSERT, (uint32_t)place);
    if (!s->quoted) {
        if (*s->p == '(') return ft__regex_group(s);
        if (*s->p == '[') return ft__regex_brackets(s);
        if (ft__regex_skip(s, ".")) return ft__regex_dot(s);
        if (s->ecma && (*s->p == '{' || *s->p == '}' || *s->p == ']'))
            return ft__regex_wrong(s, at, "{ } and ] need a backslash in ECMA-262");
        if (s->ecma && ft__regex_at(s, "\\-")) return ft__regex_wrong(s, at, "unknown escape");
        if (!s->ecma && ft__regex_skip(s, "\\R")) return ft__regex_line_end(s);
        if (!s->ecma && !ft__regex_at(s, "\\N{") && ft__regex_skip(s, "\\N"))
            return ft__regex_one(s, FT__REGEX_LINE, 0);
    }
    if (!s->quoted && ft__regex_skip(s, "\\")) {
        size_t first = s->regex->n_items;
        if (!ft__regex_escape(s, &item)) return NULL;
        if (!item.property) return ft__regex_character(s, item.low);
        return ft__regex_add_item(s, item) ? ft__regex_add_class(s, first, false) : NULL;
    }
    uint32_t c = ft__utf8_next(&s->p, s->end);
    return c == FT__BAD_UTF8 ? ft__regex_wrong(s, at, "invalid UTF-8") : ft__regex_character(s, c);
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
    if (s->quoted) return false;
    if (ft__regex_skip(s, "*") || ft__regex_skip(s, "+") || ft__regex_skip(s, "?")) return true;
    if (!ft__regex_at(s, "{") || ft__regex_at(s, "{}")) return false;
    s->p++;
    bool has_min = ft__regex_number(s, min), good = has_min || !s->ecma;
    if (!ft__regex_skip(s, ",")) *max = *min;
    else if (!ft__regex_number(s, max)) *max = FT__REGEX_NO_MAX;
    else has_min = true;
    if (good && ft__regex_skip(s, "}") && (has_min || s->p[-2] == ',')) return true;
    s->p = begin;
    return false;
}

/* `node` repeated.  What is idle is matched once or not at all: empty groups repeat at no cost. */
static ft__regex_node *ft__regex_repeat(ft__regex_parser *s, ft__regex_node *node, uint32_t min,
                                        uint32_t max, bool lazy) {
    if (max == 0 || (node->idle && min == 0 && lazy))
        return ft__regex_node_new(s, FT__REGEX_EMPTY);
    if (node->idle) return node;
    ft__regex_node *repeat = ft__regex_node_new(s, FT__REGEX_REPEAT);
    if (!repeat) return NULL;
    repeat->min = min;
    repeat->max = max;
    repeat->lazy = lazy;
    repeat->nullable = min == 0 || node->nullable;
    repeat->child = node;
    return repeat;
}

/* An atom with the quantifier that may follow it. */
static ft__regex_node *ft__regex_part(ft__regex_parser *s) {
    uint32_t min, max;
    const char *at = s->p;
    if (ft__regex_quantifier(s, &min, &max)) return ft__regex_wrong(s, at, "nothing to repeat");
    ft__regex_node *node = ft__regex_atom(s);
    if (!node) return NULL;
    ft__regex_skip_idle(s);
    at = s->p;
    if (!ft__regex_quantifier(s, &min, &max)) return node;
    if (ft__regex_at(s, "+") && !s->ecma)
        return ft__regex_unsupported(s, at, "possessive repeats are not supported");
    bool lazy = ft__regex_skip(s, "?");
    if (max < min) return ft__regex_wrong(s, at, "the repeat's maximum is below its minimum");
    if (min > FT__REGEX_MAX_CODE || (max > FT__REGEX_MAX_CODE && max != FT__REGEX_NO_MAX))
        return ft__regex_bad(s, FT_ERR_LIMIT, at, "the repeat's count is above 20000");
    return ft__regex_repeat(s, node, min, max, lazy);
}

static ft__regex_node *ft__regex_sequence(ft__regex_parser *s) {
    ft__regex_node *sequence = ft__regex_node_new(s, FT__REGEX_SEQUENCE), **last;
    if (!sequence) return NULL;
    last = &sequence->child;
    for (;;) {
        ft__regex_skip_idle(s);
        if (s->p == s->end || (!s->quoted && (*s->p == '|' || *s->p == ')'))) break;
        ft__regex_node *part = ft__regex_part(s);
        if (!part) return NULL;
        if (part->type == FT__REGEX_EMPTY) continue;
        sequence->nullable = sequence->nullable && part->nullable;
        sequence->idle = sequence->idle && part->idle;
        *last = part;
        last = &part->next;
    }
    if (!sequence->child) sequence->type = FT__REGEX_EMPTY;
    return sequence;
}

static ft__regex_node *ft__regex_choice(ft__regex_parser *s) {
    ft__regex_node *first = ft__regex_sequence(s), *last = first;
    if (!first || !ft__regex_at(s, "|")) return first;
    ft__regex_node *choice = ft__regex_node_new(s, FT__REGEX_CHOICE);
    if (!choice) return NULL;
    choice->child = first;
    choice->nullable = first->nullable;
    while (ft__regex_skip(s, "|")) {
        last->next = ft__regex_sequence(s);
        last = last->next;
        if (!last) return NULL;
        choice->nullable = choice->nullable || last->nullable;
    }
    return choice;
}

/* ---- tree to program */

static bool ft__regex_emit(ft__regex_parser *s, ft__regex_op op, uint32_t x) {
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
    code->y = (uint32_t)r->n_code;
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
        if (!ft__regex_emit(s, FT__REGEX_SPLIT, here + 1) || !ft__regex_write(s, part) ||
            !ft__regex_emit(s, FT__REGEX_JUMP, open_jump))
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

/* A split to what repeats and to what follows it, in the order that the repeat wants. */
static void ft__regex_aim(ft__regex_code *split, bool lazy, size_t body, size_t behind) {
    split->x = (uint32_t)(lazy ? behind : body);
    split->y = (uint32_t)(lazy ? body : behind);
}

/* One round of a repeat that may have more.  Where x may be empty, Python lets one empty round
   happen, which groups may see, and then goes on behind the repeat.  So x is written twice, first
   for as long as the round is empty: x; jump behind (at *jump, to be aimed); x again.  All that
   eats in the first goes on in the second. */
static bool ft__regex_write_round(ft__regex_parser *s, const ft__regex_node *x, size_t *jump) {
    ft__regex *r = s->regex;
    size_t begin = r->n_code, end;
    if (!ft__regex_write(s, x)) return false;
    *jump = end = r->n_code;
    if (!x->nullable) return true;
    if (!ft__regex_emit(s, FT__REGEX_JUMP, 0)) return false;
    for (size_t pc = begin; pc < end; pc++)
        if (r->code[pc].op <= FT__REGEX_CLASS) r->code[pc].y += (uint32_t)(end + 1 - begin);
    return ft__regex_write(s, x);
}

/* x+: x; split back or on. */
static bool ft__regex_write_loop(ft__regex_parser *s, const ft__regex_node *node) {
    ft__regex *r = s->regex;
    size_t begin = r->n_code, jump;
    if (!ft__regex_write_round(s, node->child, &jump) || !ft__regex_emit(s, FT__REGEX_SPLIT, 0))
        return false;
    ft__regex_aim(&r->code[r->n_code - 1], node->lazy, begin, r->n_code);
    if (node->child->nullable) r->code[jump].x = (uint32_t)r->n_code;
    return true;
}

/* x{m,n}: m copies, then n - m times "split to x or the end; x".
   x{m,}:  m - 1 copies and x+.   x*: split to x+ or the end; x+.   Where x may be empty: m copies
   and x*, as the rounds that have to be may all be empty. */
static bool ft__regex_write_repeat(ft__regex_parser *s, const ft__regex_node *node) {
    ft__regex *r = s->regex;
    bool loop = node->max == FT__REGEX_NO_MAX;
    bool plus = loop && node->min && !node->child->nullable;
    for (uint32_t i = 0; i + plus < node->min; i++)
        if (!ft__regex_write(s, node->child)) return false;
    if (plus) return ft__regex_write_loop(s, node);
    size_t first = r->n_code, stride = 0, jump = 0;
    uint32_t copies = loop ? 1 : node->max - node->min;
    for (uint32_t i = 0; i < copies; i++) {
        size_t here = r->n_code;
        if (!ft__regex_emit(s, FT__REGEX_SPLIT, 0) ||
            !(loop ? ft__regex_write_loop(s, node) : ft__regex_write_round(s, node->child, &jump)))
            return false;
        stride = r->n_code - here;
        jump -= here;
    }
    for (uint32_t i = 0; i < copies; i++) {
        size_t here = first + i * stride;
        ft__regex_aim(&r->code[here], node->lazy, here + 1, r->n_code);
        if (!loop && node->child->nullable) r->code[here + jump].x = (uint32_t)r->n_code;
    }
    return true;
}

/* Recursion is as deep as the groups are nested, times a few.  Every node but EMPTY writes
   something, so that this ends no later than the program is full. */
static bool ft__regex_write(ft__regex_parser *s, const ft__regex_node *node) {
    switch (node->type) {
    case FT__REGEX_EMPTY: break;
    case FT__REGEX_ONE: return ft__regex_emit(s, node->op, node->x);
    case FT__REGEX_CHOICE: return ft__regex_write_choice(s, node);
    case FT__REGEX_REPEAT: return ft__regex_write_repeat(s, node);
    case FT__REGEX_GROUP:
        return ft__regex_emit(s, FT__REGEX_SAVE, 2 * node->x) && ft__regex_write(s, node->child) &&
               ft__regex_emit(s, FT__REGEX_SAVE, 2 * node->x + 1);
    case FT__REGEX_SEQUENCE:
        for (const ft__regex_node *part = node->child; part; part = part->next)
            if (!ft__regex_write(s, part)) return false;
        break;
    }
    return true;
}

/* ---- what is known of the program beforehand */

/* What a place asks of the characters around it. */
static unsigned ft__regex_looks(ft__regex_place place) {
    switch (place) {
    case FT__REGEX_BEGIN_TEXT: return FT__REGEX_LOOKS_BEGIN;
    case FT__REGEX_BEGIN_LINE: return FT__REGEX_LOOKS_BEGIN | FT__REGEX_LOOKS_LINE;
    case FT__REGEX_LAST_LINE_END: return FT__REGEX_LOOKS_LAST;
    case FT__REGEX_WORD_EDGE:
    case FT__REGEX_NO_WORD_EDGE: return FT__REGEX_LOOKS_WORD;
    case FT__REGEX_ASCII_EDGE:
    case FT__REGEX_NO_ASCII_EDGE: return FT__REGEX_LOOKS_ASCII;
    default: return 0;
    }
}

/* Follows everything that needs no character from the beginning on, as if all places held; the
   beginning of the text only if told so.  Is there anything that eats or matches?  What it cannot
   eat is left in r->skips. */
static bool ft__regex_walk(ft__regex *r, bool begins, uint32_t *stack, uint8_t *seen) {
    bool any = false;
    size_t n = 0;
    memset(r->skips, true, sizeof r->skips);
    memset(seen, 0, r->n_code);
    stack[n++] = 0;
    while (n) {
        uint32_t pc = stack[--n];
        const ft__regex_code *code = &r->code[pc];
        if (seen[pc]) continue;
        seen[pc] = 1;
        switch (code->op) {
        case FT__REGEX_ASSERT:
            if (begins || code->x != FT__REGEX_BEGIN_TEXT) stack[n++] = pc + 1;
            break;
        case FT__REGEX_SAVE: stack[n++] = pc + 1; break;
        case FT__REGEX_SPLIT: stack[n++] = code->x; stack[n++] = code->y; break;
        case FT__REGEX_JUMP: stack[n++] = code->x; break;
        default:
            any = true;
            for (uint32_t c = 0; c < 128; c++)
                if (code->op == FT__REGEX_MATCH || ft__regex_eats(r, code, c)) r->skips[c] = false;
        }
    }
    return any;
}

static void ft__regex_find_prefix(ft__regex *r) {
    for (uint32_t pc = 0; r->n_prefix + 4 <= sizeof r->prefix;) {
        const ft__regex_code *code = &r->code[pc];
        if (code->op == FT__REGEX_JUMP) pc = code->x;
        else if (code->op == FT__REGEX_SAVE || code->op == FT__REGEX_ASSERT) pc++;
        else if (code->op != FT__REGEX_CHAR) return;
        else {
            r->n_prefix += (size_t)ft__utf8_encode(code->x, r->prefix + r->n_prefix);
            pc = code->y;
        }
    }
}

static int ft__regex_code_order(const void *a, const void *b) {
    const ft__regex_code *x = (const ft__regex_code *)a, *y = (const ft__regex_code *)b;
    if (x->op != y->op) return x->op < y->op ? -1 : 1;
    return x->x < y->x ? -1 : x->x > y->x;
}

/* One of each instruction that eats something, into r->tests. */
static bool ft__regex_find_tests(ft__regex *r) {
    size_t n = 0;
    r->tests = (ft__regex_code *)ft__alloc_zero(&r->allocator, r->n_code, sizeof *r->tests);
    if (!r->tests) return false;
    for (size_t i = 0; i < r->n_code; i++)
        if (r->code[i].op <= FT__REGEX_CLASS) r->tests[n++] = r->code[i];
    qsort(r->tests, n, sizeof *r->tests, ft__regex_code_order);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || ft__regex_code_order(&r->tests[i], &r->tests[i - 1]) != 0)
            r->tests[r->n_tests++] = r->tests[i];
    return true;
}

/* Splits the columns: characters with another answer part. */
static void ft__regex_split_columns(ft__regex *r, const uint8_t answers[128]) {
    uint8_t renamed[256] = {0}; /* of old column * 2 + answer; 0: not yet met */
    size_t n = FT__REGEX_FIRST_COLUMN;
    for (uint32_t c = 0; c < 128; c++) {
        uint8_t *name = &renamed[(r->columns[c] - FT__REGEX_FIRST_COLUMN) * 2 + answers[c]];
        if (!*name) {
            r->column_char[n] = c;
            *name = (uint8_t)n++;
        }
        r->columns[c] = *name;
    }
    r->n_columns = n;
}

static void ft__regex_find_columns(ft__regex *r) {
    uint8_t answers[128];
    r->column_char[FT__REGEX_AT_END] = FT__REGEX_NO_CHAR;
    r->column_char[FT__REGEX_LAST_LINE_FEED] = '\n';
    memset(r->columns, FT__REGEX_FIRST_COLUMN, sizeof r->columns);
    for (uint32_t c = 0; c < 128; c++) answers[c] = c == '\n';
    ft__regex_split_columns(r, answers);
    for (uint32_t c = 0; c < 128; c++)
        answers[c] = ft__regex_kind_of(r, c) == FT__REGEX_IS_ASCII_WORD;
    ft__regex_split_columns(r, answers);
    for (size_t i = 0; i < r->n_tests; i++) {
        for (uint32_t c = 0; c < 128; c++) answers[c] = ft__regex_eats(r, &r->tests[i], c);
        ft__regex_split_columns(r, answers);
    }
}

static bool ft__regex_study(ft__regex_parser *s) {
    ft__regex *r = s->regex;
    uint32_t *stack = (uint32_t *)ft__arena_alloc(&s->arena, 2 * r->n_code, sizeof *stack);
    uint8_t *seen = (uint8_t *)ft__arena_alloc(&s->arena, r->n_code, sizeof *seen);
    if (!stack || !seen || !ft__regex_find_tests(r)) {
        ft__fail_memory(s->err);
        return false;
    }
    for (size_t i = 0; i < r->n_code; i++)
        if (r->code[i].op == FT__REGEX_ASSERT)
            r->looks |= ft__regex_looks((ft__regex_place)r->code[i].x);
    r->anchored = !ft__regex_walk(r, false, stack, seen);
    ft__regex_walk(r, true, stack, seen);
    ft__regex_find_prefix(r);
    ft__regex_find_columns(r);
    return true;
}

/* ---- all together */

static bool ft__regex_build(ft__regex_parser *s) {
    ft__regex_node *root = ft__regex_choice(s);
    bool whole = (s->flags & FT__REGEX_WHOLE) != 0;
    if (!root) return false;
    if (s->p < s->end) {
        ft__regex_wrong(s, s->p, "this ) has no (");
        return false;
    }
    return (!whole || ft__regex_emit(s, FT__REGEX_ASSERT, FT__REGEX_BEGIN_TEXT)) &&
           ft__regex_write(s, root) &&
           (!whole || ft__regex_emit(s, FT__REGEX_ASSERT, FT__REGEX_END_TEXT)) &&
           ft__regex_emit(s, FT__REGEX_MATCH, 0) && ft__regex_study(s);
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
    regex->n_groups = 1;
    memset(&parser, 0, sizeof parser);
    parser.start = parser.p = pattern;
    parser.end = pattern + n;
    parser.ecma = (flags & FT__REGEX_ECMA) != 0;
    parser.flags = flags | (parser.ecma ? FT__REGEX_ASCII : 0);
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
    ft__free(&allocator, regex->tests);
    ft__free(&allocator, regex->classes);
    ft__free(&allocator, regex->items);
    ft__free(&allocator, regex);
}
