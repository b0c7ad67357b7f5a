/* Unicode: what class a character has, and its lower case.

   The classes are kept as runs of equal characters, spelled in printable text because that is the
   shortest form in a header: a run is one digit "kind * 4 + length - 1" for the lengths 1 to 3, and
   "kind * 4 + 3" followed by the length - 4 in base 45, lowest digit first, for longer ones; a
   digit of 45 or more says that another follows.  Digits are the 90 characters from '#' on without
   '?' (trigraphs) and '\'.  A kind is a class and a part in the rule of the final sigma; one kind
   more stands for the stretches where capital and small letters take turns.  Each line of runs says
   where it begins, so that one character is found by a binary search and a walk along one line.

   The lower case is a list of stretches with one distance.  The tables are those of Unicode 15.0.
 */
#include "json.h"

typedef enum ft__unicode_casing {
    FT__UNICODE_PLAIN, FT__UNICODE_CASED, FT__UNICODE_IGNORABLE
} ft__unicode_casing;

typedef struct ft__unicode_kind {
    ft__char_class char_class;
    ft__unicode_casing casing;
} ft__unicode_kind;

typedef struct ft__unicode_line {
    uint32_t first;
    const char *runs;
} ft__unicode_line;

typedef struct ft__unicode_case { /* first, first + step, ...: count letters, each + delta */
    uint32_t first;
    uint16_t count, step;
    int32_t delta;
} ft__unicode_case;

#include "unicode_tables.h"

#define FT__UNICODE_HALF 45u

static uint32_t ft__unicode_digit(char c) {
    return (uint32_t)(c - '#') - (uint32_t)(c > '?') - (uint32_t)(c > '\\');
}

/* Reads one run at *p and moves past it. */
static uint32_t ft__unicode_run(const char **p, uint32_t *length) {
    uint32_t head = ft__unicode_digit(*(*p)++);
    *length = head % 4 + 1;
    if (*length == 4) {
        uint32_t digit, unit = 1;
        while ((digit = ft__unicode_digit(*(*p)++)) >= FT__UNICODE_HALF) {
            *length += (digit - FT__UNICODE_HALF) * unit;
            unit *= FT__UNICODE_HALF;
        }
        *length += digit * unit;
    }
    return head / 4;
}

static const ft__unicode_kind *ft__unicode_find(uint32_t c) {
    size_t low = 0, high = FT__COUNT(ft__unicode_lines);
    if (c < 0x80) return &ft__unicode_kinds[ft__unicode_ascii[c] - 'A'];
    if (c > 0x10FFFF) c = 0x10FFFF; /* a noncharacter: class C */
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (ft__unicode_lines[middle].first <= c) low = middle;
        else high = middle;
    }
    const char *p = ft__unicode_lines[low].runs;
    uint32_t offset = c - ft__unicode_lines[low].first, length, kind;
    for (;;) {
        kind = ft__unicode_run(&p, &length);
        if (offset < length) break;
        offset -= length;
    }
    /* Capitals and small letters in turn: kinds 0 and 2. */
    if (kind == FT__UNICODE_ALTERNATING) kind = offset % 2 * 2;
    return &ft__unicode_kinds[kind];
}

FT__PRIV ft__char_class ft__char_class_of(uint32_t c) { return ft__unicode_find(c)->char_class; }

FT__PRIV bool ft__is_space(uint32_t c) {
    if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F);
    return (FT__CLASS_BIT(ft__char_class_of(c)) & FT__CLASS_SPACE) != 0;
}

FT__PRIV bool ft__is_word(uint32_t c) {
    return c == '_' || (FT__CLASS_BIT(ft__char_class_of(c)) & (FT__CLASS_L | FT__CLASS_N)) != 0;
}

FT__PRIV uint32_t ft__lower_char(uint32_t c) {
    size_t low = 0, high = FT__COUNT(ft__unicode_lower);
    if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (ft__unicode_lower[middle].first <= c) low = middle;
        else high = middle;
    }
    const ft__unicode_case *row = &ft__unicode_lower[low];
    uint32_t offset = c - row->first;
    bool inside = offset / row->step < row->count && offset % row->step == 0;
    return inside && c <= 0x10FFFF ? c + (uint32_t)row->delta : c;
}

FT__PRIV uint32_t ft__upper_char(uint32_t c) {
    if (c < 0x80) return c >= 'a' && c <= 'z' ? c - 32 : c;
    for (size_t i = 0; i < FT__COUNT(ft__unicode_lower); i++) {
        const ft__unicode_case *row = &ft__unicode_lower[i];
        uint32_t offset = c - (uint32_t)row->delta - row->first; /* wraps far outside */
        if (offset / row->step < row->count && offset % row->step == 0) return row->first + offset;
    }
    return c;
}

/* Is a capital sigma that ends here the last letter of its word?  After it may come ignorable
   characters (accents, apostrophes), but then no cased one. */
static bool ft__unicode_ends_word(const char *p, const char *end) {
    while (p < end) {
        ft__unicode_casing casing = ft__unicode_find(ft__utf8_next(&p, end))->casing;
        if (casing != FT__UNICODE_IGNORABLE) return casing != FT__UNICODE_CASED;
    }
    return true;
}

FT__PRIV void ft__lower(const char *text, size_t n, ft__buf *out) {
    const char *p = text, *end = text + n;
    bool after_cased = false; /* not counting ignorable characters */
    while (p < end) {
        const char *start = p;
        uint32_t c = ft__utf8_next(&p, end);
        uint32_t lower = c;
        if (c == 0x3A3) lower = after_cased && ft__unicode_ends_word(p, end) ? 0x3C2 : 0x3C3;
        else if (c != FT__BAD_UTF8) lower = ft__lower_char(c);
        ft__unicode_casing casing = ft__unicode_find(c)->casing;
        if (casing != FT__UNICODE_IGNORABLE) after_cased = casing == FT__UNICODE_CASED;
        if (lower == c) {
            ft__buf_add(out, start, (size_t)(p - start));
            continue;
        }
        char bytes[4];
        ft__buf_add(out, bytes, (size_t)ft__utf8_encode(lower, bytes));
        if (c == 0x130) ft__buf_text(out, "\xCC\x87"); /* I with a dot becomes i and a dot above */
    }
}

#undef FT__UNICODE_HALF
#undef FT__UNICODE_ALTERNATING
