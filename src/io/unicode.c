/* Unicode: what class a character has, and its lower case.

   The classes are kept as runs of equal characters, spelled in printable text because that is the
   shortest form in a header: a run is one digit "kind * 4 + length - 1" for the lengths 1 to 3, and
   "kind * 4 + 3" followed by the length - 4 in base 45, lowest digit first, for longer ones; a
   digit of 45 or more says that another follows.  Digits are the 90 characters from '#' on without
   '?' (trigraphs) and '\'.  A kind is a class and a part in the rule of the final sigma; one kind
   more stands for the stretches where capital and small letters take turns.  Each line of runs says
   where it begins, so that one character is found by a binary search and a walk along one line.

   The lower case is a list of stretches with one distance.  Decompositions and combining classes
   are lists of numbers in the same digits; normal form C needs them at hand and unpacks them first.
   The tables are those of Unicode 15.0. */
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

/* Chinese characters and Korean syllables: letters without case. */
static bool ft__unicode_is_ideograph(uint32_t c) {
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xAC00 && c <= 0xD7A3);
}

static const ft__unicode_kind *ft__unicode_find(uint32_t c) {
    size_t low = 0, high = FT__COUNT(ft__unicode_lines);
    static const ft__unicode_kind ideograph = {FT__UNICODE_LO, FT__UNICODE_PLAIN};
    if (c < sizeof ft__unicode_low - 1) return &ft__unicode_kinds[ft__unicode_low[c] - 'A'];
    if (ft__unicode_is_ideograph(c)) return &ideograph;
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
    if (c > 0x3000) return false; /* the last of them */
    return (FT__CLASS_BIT(ft__char_class_of(c)) & FT__CLASS_SPACE) != 0;
}

FT__PRIV bool ft__is_word(uint32_t c) {
    return c == '_' || (FT__CLASS_BIT(ft__char_class_of(c)) & (FT__CLASS_L | FT__CLASS_N)) != 0;
}

FT__PRIV uint32_t ft__lower_char(uint32_t c) {
    size_t low = 0, high = FT__COUNT(ft__unicode_lower);
    if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
    if (ft__unicode_is_ideograph(c)) return c;
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

/* Is the last character of an ASCII text that is not ignorable cased?  `before` where all are. */
static bool ft__unicode_after_cased(const char *ascii, size_t n, bool before) {
    while (n--) {
        ft__unicode_casing casing = ft__unicode_find((uint8_t)ascii[n])->casing;
        if (casing != FT__UNICODE_IGNORABLE) return casing == FT__UNICODE_CASED;
    }
    return before;
}

FT__PRIV void ft__lower(const char *text, size_t n, ft__buf *out) {
    const char *p = text, *end = text + n;
    bool after_cased = false; /* not counting ignorable characters */
    while (p < end) {
        const char *start = p;
        char ascii[64];
        size_t n_ascii = 0;
        for (; p < end && (uint8_t)*p < 0x80 && n_ascii < sizeof ascii; p++) {
            bool capital = *p >= 'A' && *p <= 'Z';
            ascii[n_ascii++] = (char)(*p | (capital ? 32 : 0));
        }
        if (n_ascii) {
            ft__buf_add(out, ascii, n_ascii);
            after_cased = ft__unicode_after_cased(ascii, n_ascii, after_cased);
            continue;
        }
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

FT__PRIV bool ft__is_nonspacing(uint32_t c) {
    const ft__unicode_kind *kind = ft__unicode_find(c);
    return kind->char_class == FT__UNICODE_M && kind->casing == FT__UNICODE_IGNORABLE;
}

/* ---- normal form C

   Nearly all text is in it already, so the first question is whether a character may change
   anything: one bit each, up to U+1FFFF (beyond, only the compatibility ideographs do).  Text
   between such characters is copied.  They themselves, with the character before them, are taken
   apart, brought in the order of their combining classes and put together again. */

enum { FT__NORMAL_PARTS = 2100, FT__NORMAL_CLASSES = 1000, FT__NORMAL_BITS = 0x20000 };

typedef struct ft__normal_row { /* c is first and second */
    uint32_t c, first, second;
} ft__normal_row;

struct ft__normal {
    ft__normal_row parts[FT__NORMAL_PARTS];   /* by c; second 0: none */
    ft__normal_row pairs[FT__NORMAL_PARTS];   /* those to compose, by first and second */
    ft__normal_row classes[FT__NORMAL_CLASSES]; /* from c on `first` characters of class `second` */
    size_t n_parts, n_pairs, n_classes;
    uint8_t may_change[FT__NORMAL_BITS / 8];
};

static uint32_t ft__unicode_number(const char **p) {
    uint32_t value = 0, unit = 1, digit;
    while ((digit = ft__unicode_digit(*(*p)++)) >= FT__UNICODE_HALF) {
        value += (digit - FT__UNICODE_HALF) * unit;
        unit *= FT__UNICODE_HALF;
    }
    return value + digit * unit;
}

static int ft__normal_by_pair(const void *a, const void *b) {
    const ft__normal_row *x = (const ft__normal_row *)a, *y = (const ft__normal_row *)b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return x->second < y->second ? -1 : x->second > y->second;
}

static void ft__normal_mark(ft__normal *t, uint32_t c, uint32_t count) {
    for (; count > 0 && c < FT__NORMAL_BITS; c++, count--)
        t->may_change[c / 8] |= (uint8_t)(1u << c % 8);
}

/* Reads an entry at *p; *c is the character before it, and then its own. */
static void ft__normal_add_part(ft__normal *t, const char **p, uint32_t *c) {
    ft__normal_row *row = &t->parts[t->n_parts++];
    row->c = *c += ft__unicode_number(p);
    row->first = ft__unicode_number(p);
    uint32_t second = ft__unicode_number(p);
    row->second = second ? second / 2 + 0x2FF : 0;
    if (!second || second % 2) {
        ft__normal_mark(t, *c, 1);
    } else {
        ft__normal_mark(t, row->second, 1);
        t->pairs[t->n_pairs++] = *row;
    }
}

FT__PRIV const ft__normal *ft__normal_create(ft__arena *arena) {
    ft__normal *t = (ft__normal *)ft__arena_alloc(arena, 1, sizeof *t);
    uint32_t c = 0;
    if (!t) return NULL;
    for (const char *p = ft__unicode_combining; *p && t->n_classes < FT__NORMAL_CLASSES;) {
        ft__normal_row *row = &t->classes[t->n_classes++];
        row->c = c += ft__unicode_number(&p);
        row->first = ft__unicode_number(&p);
        row->second = ft__unicode_number(&p);
        ft__normal_mark(t, c, row->first);
        c += row->first;
    }
    c = 0;
    for (size_t line = 0; line < FT__COUNT(ft__unicode_parts); line++)
        for (const char *p = ft__unicode_parts[line]; *p && t->n_parts < FT__NORMAL_PARTS;)
            ft__normal_add_part(t, &p, &c);
    ft__normal_mark(t, 0x1161, 0x1176 - 0x1161); /* vowels and finals of Hangul */
    ft__normal_mark(t, 0x11A8, 0x11C3 - 0x11A8);
    qsort(t->pairs, t->n_pairs, sizeof *t->pairs, ft__normal_by_pair);
    return t;
}

/* The last row that begins at c or before, NULL if none. */
static const ft__normal_row *ft__normal_find(const ft__normal_row *rows, size_t n, uint32_t c) {
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (rows[middle].c <= c) low = middle + 1;
        else high = middle;
    }
    return low ? rows + low - 1 : NULL;
}

static unsigned ft__normal_class(const ft__normal *t, uint32_t c) {
    const ft__normal_row *row = ft__normal_find(t->classes, t->n_classes, c);
    return row && c - row->c < row->first ? row->second : 0;
}

FT__PRIV int ft__decompose(const ft__normal *t, uint32_t c, uint32_t out[4]) {
    uint32_t tail[4];
    int n = 0, n_tail = 0;
    if (c - 0xAC00 < 11172) {
        c -= 0xAC00;
        out[n++] = 0x1100 + c / 588;
        out[n++] = 0x1161 + c % 588 / 28;
        if (c % 28) out[n++] = 0x11A7 + c % 28;
        return n;
    }
    for (;;) { /* only first parts have parts themselves */
        const ft__normal_row *row = ft__normal_find(t->parts, t->n_parts, c);
        if (!row || row->c != c || n_tail == 3) break;
        c = row->first;
        if (row->second) tail[n_tail++] = row->second;
    }
    out[n++] = c;
    while (n_tail > 0) out[n++] = tail[--n_tail];
    return n;
}

static uint32_t ft__normal_compose(const ft__normal *t, uint32_t first, uint32_t second) {
    if (first - 0x1100 < 19 && second - 0x1161 < 21)
        return 0xAC00 + ((first - 0x1100) * 21 + second - 0x1161) * 28;
    if (first - 0xAC00 < 11172 && (first - 0xAC00) % 28 == 0 && second - 0x11A8 < 27)
        return first + second - 0x11A7;
    ft__normal_row wanted = {0, first, second};
    const ft__normal_row *row = (const ft__normal_row *)bsearch(
        &wanted, t->pairs, t->n_pairs, sizeof wanted, ft__normal_by_pair);
    return row ? row->c : 0;
}

static bool ft__normal_may_change(const ft__normal *t, uint32_t c) {
    if (c < FT__NORMAL_BITS) return t->may_change[c / 8] >> c % 8 & 1;
    return c >= 0x2F800 && c <= 0x2FA1D;
}

/* Where the first character stands that may change something, or the end; *before: the character
   before it, NULL if none. */
static const char *ft__normal_next(const ft__normal *t, const char *p, const char *end,
                                   const char **before) {
    *before = NULL;
    while (p < end) {
        const char *start = p;
        uint32_t c = (uint8_t)*p < 0xCC ? (uint8_t)*p : 0; /* below U+0300 nothing does */
        if (c) p += c >= 0xC2 && p + 1 < end && ((uint8_t)p[1] & 0xC0) == 0x80 ? 2 : 1;
        else if ((c = ft__utf8_next(&p, end)) != FT__BAD_UTF8 && ft__normal_may_change(t, c))
            return start;
        *before = c == FT__BAD_UTF8 || (p == start + 1 && (uint8_t)*start >= 0x80) ? NULL : start;
    }
    return end;
}

FT__PRIV bool ft__is_nfc_at_sight(const ft__normal *t, const char *text, size_t n) {
    const char *before;
    return ft__normal_next(t, text, text + n, &before) == text + n;
}

static int ft__normal_by_key(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* A character with its class and its place: sorting by the number keeps the order of equals. */
static uint64_t ft__normal_key(const ft__normal *t, uint32_t c, size_t i) {
    return (uint64_t)ft__normal_class(t, c) << 56 | (uint64_t)i << 21 | c;
}

static void ft__normal_put(const ft__normal *t, uint64_t *keys, size_t n, ft__buf *out) {
    uint32_t starter = 0;
    size_t n_out = 0, starter_at = SIZE_MAX;
    unsigned last = 256;
    for (size_t i = 0, k; i < n; i = k) {
        for (k = i; k < n && keys[k] >> 56; k++) {}
        if (k > i + 1) qsort(keys + i, k - i, sizeof *keys, ft__normal_by_key);
        if (k == i) k++;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t c = keys[i] & 0x1FFFFF, whole = 0;
        unsigned rank = (unsigned)(keys[i] >> 56);
        if (starter_at != SIZE_MAX && (last < rank || last == 0))
            whole = ft__normal_compose(t, starter, c);
        if (whole) {
            keys[starter_at] = starter = whole;
            continue;
        }
        if (rank == 0) starter_at = n_out, starter = c;
        last = rank;
        keys[n_out++] = c;
    }
    for (size_t i = 0; i < n_out; i++) {
        char bytes[4];
        ft__buf_add(out, bytes, (size_t)ft__utf8_encode((uint32_t)keys[i], bytes));
    }
}

FT__PRIV void ft__nfc(const ft__normal *t, const char *text, size_t n, ft__buf *out) {
    const char *p = text, *end = text + n, *before;
    uint64_t *keys = NULL;
    size_t cap = 0;
    while (p < end && !out->failed) {
        const char *from = ft__normal_next(t, p, end, &before);
        if (from == end || !before) before = from;
        ft__buf_add(out, p, (size_t)(before - p));
        p = before;
        size_t n_keys = 0;
        while (p < end) {
            const char *start = p;
            uint32_t c = ft__utf8_next(&p, end), parts[4];
            if (start >= from && (c == FT__BAD_UTF8 || !ft__normal_may_change(t, c))) {
                p = start;
                break;
            }
            int n_parts = ft__decompose(t, c, parts);
            if (!ft__grow(&out->allocator, (void **)&keys, &cap, n_keys + 4, sizeof *keys)) {
                out->failed = true;
                break;
            }
            for (int i = 0; i < n_parts; i++, n_keys++)
                keys[n_keys] = ft__normal_key(t, parts[i], n_keys);
        }
        ft__normal_put(t, keys, n_keys, out);
    }
    ft__free(&out->allocator, keys);
}

#undef FT__UNICODE_HALF
#undef FT__UNICODE_ALTERNATING
