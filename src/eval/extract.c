/* JSON inside prose.  Models wrap their JSON in a sentence or a fence; this room finds it:

     1. the whole text, without blanks at its ends, if that is one JSON value;
     2. else the value at the beginning of the first fence labelled json (```json, ~~~JSON) that
        begins with one;
     3. else the first { or [ from which one whole value can be read.

   "Can be read" is what ft__json_parse would say: strings and escapes are understood, nothing is
   guessed or mended.  Known limit: the first that reads wins, so that the [1] of a citation stands
   before an object further on.

   Takes linear time.  When reading from a bracket fails, every bracket that was still open then
   would fail in the same place, and those that had closed are whole values, of which the first is
   taken.  That leaves brackets in what looked like strings; trying these may cost eight times the
   text, then the search goes on behind what has been read. */
#include "eval.h"

typedef struct ft__extract {
    const char *p, *end;
    const char *open[FT__JSON_MAX_DEPTH]; /* the brackets around p */
    size_t depth;
    ft__view inner; /* of the whole values read inside, the one that begins first; or NULL */
} ft__extract;

static void ft__extract_blanks(ft__extract *x) {
    while (x->p < x->end && (*x->p == ' ' || *x->p == '\n' || *x->p == '\t' || *x->p == '\r'))
        x->p++;
}

static bool ft__extract_at(const ft__extract *x, char c) { return x->p < x->end && *x->p == c; }

/* ---- scalars: true and past it, or false */

static bool ft__extract_hex4(ft__extract *x, uint32_t *value) {
    *value = 0;
    for (int i = 0; i < 4; i++, x->p++) {
        if (x->p == x->end) return false;
        if (!ft__ascii_hex(*x->p)) return false;
        *value = *value << 4 | (uint32_t)ft__ascii_hex_value(*x->p);
    }
    return true;
}

/* Half a surrogate pair is no character. */
static bool ft__extract_escape(ft__extract *x) {
    uint32_t unit;
    if (++x->p == x->end || *x->p == 0 || !strchr("\"\\/bfnrtu", *x->p)) return false;
    if (*x->p++ != 'u') return true;
    if (!ft__extract_hex4(x, &unit)) return false;
    if (unit < 0xD800 || unit > 0xDFFF) return true;
    if (unit >= 0xDC00 || x->end - x->p < 6 || x->p[0] != '\\' || x->p[1] != 'u') return false;
    x->p += 2;
    return ft__extract_hex4(x, &unit) && unit >= 0xDC00 && unit <= 0xDFFF;
}

static bool ft__extract_string(ft__extract *x) {
    if (!ft__extract_at(x, '"')) return false;
    x->p++;
    while (x->p < x->end && *x->p != '"') {
        const char *next = x->p;
        if (*x->p == '\\') {
            if (!ft__extract_escape(x)) return false;
        } else if ((unsigned char)*x->p < 0x20) {
            return false;
        } else if ((unsigned char)*x->p < 0x80) {
            x->p++;
        } else {
            if (ft__utf8_next(&next, x->end) == FT__BAD_UTF8) return false;
            x->p = next;
        }
    }
    if (x->p == x->end) return false;
    x->p++;
    return true;
}

static bool ft__extract_digits(ft__extract *x) {
    const char *start = x->p;
    while (x->p < x->end && *x->p >= '0' && *x->p <= '9') x->p++;
    return x->p > start;
}

static bool ft__extract_number(ft__extract *x) {
    const char *start = x->p;
    double value;
    if (ft__extract_at(x, '-')) x->p++;
    if (ft__extract_at(x, '0')) x->p++;
    else if (!ft__extract_digits(x)) return false;
    if (ft__extract_at(x, '.') && (x->p++, !ft__extract_digits(x))) return false;
    if (ft__extract_at(x, 'e') || ft__extract_at(x, 'E')) {
        x->p++;
        if (ft__extract_at(x, '+') || ft__extract_at(x, '-')) x->p++;
        if (!ft__extract_digits(x)) return false;
    }
    return ft__number_parse(start, (size_t)(x->p - start), &value);
}

static bool ft__extract_scalar(ft__extract *x) {
    static const char *const words[] = {"true", "false", "null"};
    if (ft__extract_at(x, '"')) return ft__extract_string(x);
    for (size_t i = 0; i < FT__COUNT(words); i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(x->end - x->p) < n || memcmp(x->p, words[i], n) != 0) continue;
        x->p += n;
        return true;
    }
    return ft__extract_number(x);
}

/* ---- values */

static bool ft__extract_in_object(const ft__extract *x) { return *x->open[x->depth - 1] == '{'; }

/* What stands before a value inside of the innermost bracket: in an object, a key and its colon. */
static bool ft__extract_key(ft__extract *x) {
    if (!ft__extract_in_object(x)) return true;
    ft__extract_blanks(x);
    if (!ft__extract_string(x)) return false;
    ft__extract_blanks(x);
    if (!ft__extract_at(x, ':')) return false;
    x->p++;
    return true;
}

static bool ft__extract_at_close(const ft__extract *x) {
    return ft__extract_at(x, ft__extract_in_object(x) ? '}' : ']');
}

static void ft__extract_close(ft__extract *x) {
    const char *start = x->open[--x->depth];
    x->p++;
    if (x->inner.text && x->inner.text < start) return;
    x->inner.text = start;
    x->inner.n = (size_t)(x->p - start);
}

/* Reads one value from `start`: true and x->p behind it, or false and x->p where it went wrong. */
static bool ft__extract_value(ft__extract *x, const char *start) {
    bool comes = true; /* a value comes next; else one was read just now */
    x->p = start;
    x->depth = 0;
    x->inner.text = NULL;
    while (comes || x->depth) {
        ft__extract_blanks(x);
        if (comes && (ft__extract_at(x, '{') || ft__extract_at(x, '['))) {
            if (x->depth == FT__JSON_MAX_DEPTH) return false;
            x->open[x->depth++] = x->p++;
            ft__extract_blanks(x);
            comes = !ft__extract_at_close(x);
            if (comes && !ft__extract_key(x)) return false;
        } else if (comes) {
            if (!ft__extract_scalar(x)) return false;
            comes = false;
        } else if (ft__extract_at_close(x)) {
            ft__extract_close(x);
        } else {
            if (!ft__extract_at(x, ',')) return false;
            x->p++;
            if (!ft__extract_key(x)) return false;
            comes = true;
        }
    }
    return true;
}

static bool ft__extract_found(const ft__extract *x, const char *start, ft__view *found) {
    found->text = start;
    found->n = (size_t)(x->p - start);
    return true;
}

FT__PRIV bool ft__extract_next(ft__view text, size_t from, ft__view *found) {
    const char *begin = text.text + from, *behind = begin, *p = begin;
    size_t spent = 0;
    ft__extract x;
    x.end = text.text + text.n;
    for (; p < x.end; p++) {
        if (*p != '{' && *p != '[') continue;
        if (ft__extract_value(&x, p)) return ft__extract_found(&x, p, found);
        if (x.inner.text) {
            *found = x.inner;
            return true;
        }
        spent += (size_t)(x.p - p);
        if (x.p > behind) behind = x.p;
        if (spent / 8 > (size_t)(behind - begin) && p + 1 < behind) p = behind - 1;
    }
    return false;
}

/* ---- fences */

/* Behind the label of the next fence at p or later; NULL: none. */
static const char *ft__extract_fence(const char *p, const char *end) {
    for (; end - p > 7; p++) {
        if ((*p != '`' && *p != '~') || p[1] != *p || p[2] != *p) continue;
        const char *label = p + 3;
        while (label < end && *label == ' ') label++;
        if (end - label < 5) return NULL;
        if ((label[0] | 32) == 'j' && (label[1] | 32) == 's' && (label[2] | 32) == 'o' &&
            (label[3] | 32) == 'n' && strchr(" \t\r\n{[", label[4]) && label[4])
            return label + 4;
    }
    return NULL;
}

FT__PRIV bool ft__extract_json(ft__view text, size_t from, ft__view *found) {
    const char *start = text.text + from;
    ft__view whole = {start, text.n - from};
    ft__extract x;
    x.end = text.text + text.n;
    whole = ft__text_strip(whole);
    if (whole.n && ft__extract_value(&x, whole.text) && x.p == whole.text + whole.n)
        return ft__extract_found(&x, whole.text, found);
    for (const char *p = start; (p = ft__extract_fence(p, x.end)) != NULL;) {
        x.p = p;
        ft__extract_blanks(&x);
        const char *value = x.p;
        if (ft__extract_value(&x, value)) return ft__extract_found(&x, value, found);
    }
    return ft__extract_next(text, from, found);
}
