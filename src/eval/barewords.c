/* Bare words: what the search for attacks, listed words and repeated prompts compares.  Letters and
   digits of ASCII take the short way. */
#include "barewords.h"

FT__PRIV bool ft__bareword_no_width(uint32_t c) {
    return (c >= 0x200B && c <= 0x200D) || (c >= 0x2060 && c <= 0x2064) || c == 0xFEFF ||
           c == 0x180E;
}

static bool ft__bareword_is_letter(uint32_t c) {
    const unsigned classes = FT__CLASS_L | FT__CLASS_N | FT__CLASS_BIT(FT__UNICODE_M);
    return c != FT__BAD_UTF8 && (FT__CLASS_BIT(ft__char_class_of(c)) & classes) != 0;
}

static void ft__bareword_add(ft__bareword *w, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) w->hash = (w->hash ^ (uint8_t)bytes[i]) * 0x100000001B3u;
    if (w->n + n <= FT__BAREWORD_TEXT) memcpy(w->low + w->n, bytes, n);
    w->n += n;
}

/* Past one character that is not ASCII, if it belongs to the word. */
static const char *ft__bareword_add_other(ft__bareword *w, const char *p, const char *end) {
    const char *begin = p;
    char bytes[4];
    uint32_t c = ft__utf8_next(&p, end);
    if (ft__bareword_is_letter(c)) {
        ft__bareword_add(w, bytes, (size_t)ft__utf8_encode(ft__lower_char(c), bytes));
        return p;
    }
    if (w->n == 0 || (!ft__bareword_no_width(c) && c != 0x2019)) return begin;
    while (p < end && (*p & 0x80) && c != 0x2019) {
        const char *next = p;
        if (!ft__bareword_no_width(ft__utf8_next(&next, end))) break;
        p = next;
    }
    if (p == end || !(ft__ascii_alnum(*p) || (*p & 0x80))) return begin;
    if (c != 0x2019 && ft__ascii_alnum(begin[-1]) && ft__ascii_alnum(*p)) w->hidden = begin;
    return p;
}

FT__PRIV void ft__bareword_read(const char *p, const char *end, ft__bareword *w) {
    uint64_t hash = 0xCBF29CE484222325u;
    size_t n = 0;
    w->begin = p;
    w->hidden = NULL;
    for (; p < end && n < FT__BAREWORD_TEXT && ft__ascii_alnum(*p); p++) {
        w->low[n] = ft__ascii_lower(*p);
        hash = (hash ^ (uint8_t)w->low[n++]) * 0x100000001B3u;
    }
    w->n = n;
    w->hash = hash;
    while (p < end) {
        const char *before = p;
        if (ft__ascii_alnum(*p)) {
            char low = ft__ascii_lower(*p++);
            ft__bareword_add(w, &low, 1);
        } else if (*p == '\'' && w->n && end - p > 1 && ft__ascii_letter(p[1])) p++;
        else if (*p & 0x80) p = ft__bareword_add_other(w, p, end);
        if (p == before) break;
    }
    w->end = p;
    if (w->n <= FT__BAREWORD_TEXT) return;
    memcpy(w->low + FT__BAREWORD_TEXT, &w->hash, sizeof w->hash);
    w->n = FT__BAREWORD_SIZE;
}

FT__PRIV bool ft__bareword_next(const char **p, const char *end, ft__bareword *word) {
    while (*p < end) {
        ft__bareword_read(*p, end, word);
        if (word->n) {
            *p = word->end;
            return true;
        }
        if (**p & 0x80) ft__utf8_next(p, end);
        else ++*p;
    }
    return false;
}

/* ---- numbers of words */

static uint32_t ft__barewords_length_bit(size_t n) { return (uint32_t)1 << (n < 31 ? n : 31); }

FT__PRIV uint32_t ft__barewords_id(ft__barewords *words, ft__view v) {
    words->lengths[(uint8_t)v.text[0]] |= ft__barewords_length_bit(v.n);
    return ft__interner_id(&words->ids, v);
}

FT__PRIV bool ft__barewords_find(const ft__barewords *words, const char *low, size_t n,
                                 uint32_t *id) {
    ft__view v = {low, n};
    return n && (words->lengths[(uint8_t)low[0]] & ft__barewords_length_bit(n)) &&
           ft__interner_find(&words->ids, v, id);
}
