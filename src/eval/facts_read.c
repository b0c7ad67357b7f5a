/* From characters to the items of a sentence: words, ids, and what stands between them.  Numbers
   are read in facts_digits.c.

   A word has its apostrophes ("don't" is "not"); Chinese, Japanese, Thai and the like are pairs of
   characters.  An id is an address, a link, or a code of letters and digits; its words come, too,
   but need no support.  Marks say what stands before the next item; references such as "[3]" state
   nothing. */
#include "facts_read.h"

FT__PRIV ft__facts_item *ft__facts_item_add(ft__facts_reader *r, int kind, const char *begin,
                                            const char *end) {
    if (r->n == FT__FACTS_MAX) ft__facts_flush(r);
    ft__facts_item *item = &r->items[r->n++];
    memset(item, 0, sizeof *item);
    item->kind = kind;
    item->begin = (size_t)(begin - r->base);
    item->end = (size_t)(end - r->base);
    item->flags = r->marks | (r->first ? FT__WORD_FIRST : 0);
    if (r->n > 1 && r->items[r->n - 2].end == item->begin) item->flags |= FT__WORD_GLUED;
    r->marks = 0;
    r->first = false;
    return item;
}

/* A right single quote, three bytes, or an apostrophe: how many bytes, if a letter follows. */
static size_t ft__facts_apostrophe(const char *p, const char *end) {
    size_t n = *p == '\'' ? 1 : 0;
    if (end - p > 3 && memcmp(p, "\xE2\x80\x99", 3) == 0) n = 3;
    return n && (size_t)(end - p) > n && (ft__ascii_letter(p[n]) || (p[n] & 0x80)) ? n : 0;
}

/* Scripts that do not put blanks between words. */
static bool ft__facts_unspaced(uint32_t c) {
    return (c >= 0x3040 && c < 0x3100) || (c >= 0x3400 && c < 0xA000) ||
           (c >= 0xE00 && c < 0xF00) || (c >= 0x1000 && c < 0x10A0) ||
           (c >= 0x1780 && c < 0x1800) || (c >= 0xF900 && c < 0xFB00) ||
           (c >= 0x20000 && c < 0x40000);
}

static bool ft__facts_word_char(uint32_t c) {
    ft__char_class k = ft__char_class_of(c);
    return k <= FT__UNICODE_ND && !ft__facts_unspaced(c);
}

/* The end of a word with its apostrophes. */
static const char *ft__facts_word_end(const char *p, const char *end) {
    while (p < end) {
        const char *q = p;
        size_t n;
        if (ft__ascii_alnum(*p)) p++;
        else if ((n = ft__facts_apostrophe(p, end)) != 0) p += n;
        else if ((*p & 0x80) && ft__facts_word_char(ft__utf8_next(&q, end))) p = q;
        else break;
    }
    return p;
}

FT__PRIV void ft__facts_lower(ft__facts_words *w, const char *p, const char *end) {
    w->low.len = 0;
    bool ascii = true;
    for (const char *q = p; q < end && ascii; q++) ascii = !(*q & 0x80);
    if (!ascii) {
        ft__lower(p, (size_t)(end - p), &w->low);
        size_t n = 0;
        for (size_t i = 0; i < w->low.len; i++) {
            bool quote = w->low.len - i >= 3 && memcmp(w->low.data + i, "\xE2\x80\x99", 3) == 0;
            w->low.data[n++] = quote ? '\'' : w->low.data[i];
            i += quote ? 2 : 0;
        }
        w->low.len = n;
        return;
    }
    ft__buf_add(&w->low, p, (size_t)(end - p));
    for (size_t i = 0; i < w->low.len; i++)
        if (ft__ascii_upper(w->low.data[i])) w->low.data[i] |= 0x20;
}

/* Takes "'s", "'ll" ... off; true if it was "n't". */
static bool ft__facts_contraction(ft__view *v) {
    static const char *const tails[] = {"'s", "'ll", "'ve", "'re", "'d", "'m"};
    if (v->n > 3 && memcmp(v->text + v->n - 3, "n't", 3) == 0) return true;
    for (size_t i = 0; i < FT__COUNT(tails); i++) {
        size_t n = strlen(tails[i]);
        if (v->n <= n || memcmp(v->text + v->n - n, tails[i], n) != 0) continue;
        v->n -= n;
        break;
    }
    return false;
}

/* A word; `text` is what stands there, perhaps without its points. */
static void ft__facts_add_word(ft__facts_reader *r, const char *p, const char *end, ft__view text) {
    ft__facts_words *w = r->words;
    size_t upper = 0;
    ft__facts_lower(w, text.text, text.text + text.n);
    ft__view low = {w->low.data, w->low.len};
    if (w->low.failed || low.n == 0) {
        w->failed |= w->low.failed;
        return;
    }
    for (size_t i = 0; i < text.n; i++) upper += ft__ascii_upper(text.text[i]);
    bool all = upper > 1 && upper == text.n, not_ = ft__facts_contraction(&low);
    const char *q = text.text;
    ft__char_class k = ft__char_class_of(ft__utf8_next(&q, text.text + text.n));
    if (all && low.n == 2 && memcmp(low.text, "us", 2) == 0) low.text = "usa", low.n = 3;
    if (not_) low.text = "not", low.n = 3;
    ft__facts_item *item = ft__facts_item_add(r, FT__ITEM_WORD, p, end);
    item->word = ft__facts_word_of(w, low);
    if (w->failed) return;
    ft__facts_word *word = &w->words[item->word];
    bool capital = k == FT__UNICODE_LU || k == FT__UNICODE_LT;
    if (capital && !(item->flags & FT__WORD_FIRST)) word->flags |= FT__WORD_NAME;
    item->flags |= word->flags | (capital ? FT__WORD_CAPITAL : 0) | (all ? FT__WORD_UPPER : 0);
    if (not_) item->flags |= FT__WORD_VERB;
    /* "gluten-free" */
    if (low.n == 4 && memcmp(low.text, "free", 4) == 0 && p > r->base && p[-1] == '-')
        item->flags = FT__WORD_STOP | FT__WORD_NOT | FT__WORD_KNOWN;
}

/* Words without blanks between them: each character with the one behind it. */
static const char *ft__facts_unspaced_words(ft__facts_reader *r, const char *p, const char *end) {
    for (bool alone = true;; alone = false) {
        const char *q = p;
        ft__utf8_next(&q, end);
        const char *next = q, *after = q;
        bool more = q < end && (*q & 0x80) && ft__facts_unspaced(ft__utf8_next(&next, end));
        if (more) after = next;
        ft__view pair = {p, (size_t)(after - p)};
        if (more || alone) ft__facts_add_word(r, p, after, pair);
        if (!more) return q;
        p = q;
    }
}

/* "U.S.", "e.g.": the end; NULL if there are no such points. */
static const char *ft__facts_initials(const char *p, const char *end) {
    const char *q = p;
    while (end - q >= 2 && q - p < 32 && ft__ascii_letter(q[0]) && q[1] == '.') q += 2;
    if (q - p < 4 && !(q - p == 2 && q < end && ft__ascii_letter(*q) &&
                       (q + 1 == end || !ft__ascii_letter(q[1]))))
        return NULL;
    if (q < end && ft__ascii_letter(*q)) q++;
    return q == end || !ft__ascii_alnum(*q) ? q : NULL;
}

static void ft__facts_add_initials(ft__facts_reader *r, const char *p, const char *end) {
    char letters[32];
    ft__view v = {letters, 0};
    for (const char *q = p; q < end && v.n < sizeof letters; q++)
        if (*q != '.') letters[v.n++] = *q;
    ft__facts_add_word(r, p, end, v);
}

/* ---- ids */

static bool ft__facts_joiner(char c) { return c && strchr("-_./@:+%?=&#~", c) != NULL; }

static bool ft__facts_domain(const char *p, const char *end) {
    static const char *const tops[] = {"com", "org", "net", "edu", "gov",
                                       "io",  "de",  "uk",  "eu",  "info"};
    const char *slash = (const char *)memchr(p, '/', (size_t)(end - p)), *dot;
    if (slash) end = slash;
    for (dot = end; dot > p && dot[-1] != '.'; dot--) {}
    for (size_t i = 0; dot > p + 1 && i < FT__COUNT(tops); i++)
        if (ft__text_equal(dot, (size_t)(end - dot), tops[i], strlen(tops[i]))) return true;
    return false;
}

/* An address or a link that begins here; NULL: none. */
static const char *ft__facts_address(const char *p, const char *end) {
    const char *q = p, *at, *host;
    bool scheme, www = end - p > 4 && (memcmp(p, "www.", 4) == 0 || memcmp(p, "WWW.", 4) == 0);
    while (q < end && q - p < 256 && (ft__ascii_alnum(*q) || ft__facts_joiner(*q))) q++;
    while (q > p && !ft__ascii_alnum(q[-1])) q--;
    at = (const char *)memchr(p, '@', (size_t)(q - p));
    host = (const char *)memchr(p, ':', (size_t)(q - p));
    scheme = host && q - host > 3 && host[1] == '/' && host[2] == '/';
    if (scheme || www) return q;
    if (at && at > p && memchr(at, '.', (size_t)(q - at))) return q;
    return ft__facts_domain(p, q) ? q : NULL;
}

/* "A-1234", "B12", "INV-2023/001", "v2.3.1", but not "mid-1990s": the end, or NULL. */
FT__PRIV const char *ft__facts_code(const char *p, const char *end) {
    const char *q = p;
    bool digit = false, upper = false;
    while (q < end && q - p < 256) {
        bool joins = (*q == '-' || *q == '_' || *q == '/' ||
                      (*q == '.' && q > p && ft__ascii_digit(q[-1]) && end - q > 1 &&
                       ft__ascii_digit(q[1]))) &&
                     end - q > 1 && ft__ascii_alnum(q[1]);
        if (!ft__ascii_alnum(*q) && !joins) break;
        digit |= ft__ascii_digit(*q);
        upper |= ft__ascii_upper(*q);
        if (joins && !digit && !upper) return NULL;
        q++;
    }
    if (!upper && q - p <= 3 && (q[-1] == '2' || q[-1] == '3')) return NULL; /* "km2" */
    return digit && !(q < end && (*q & 0x80)) ? q : NULL;
}

/* The key of an id has no case and, unless it is an address, no joints. */
FT__PRIV void ft__facts_add_id(ft__facts_reader *r, const char *p, const char *end, bool address) {
    ft__facts_words *w = r->words;
    w->stem.len = 0;
    ft__buf_byte(&w->stem, '#');
    const char *q = p, *scheme = address ? (const char *)memchr(p, ':', (size_t)(end - p)) : NULL;
    if (scheme && end - scheme > 3 && scheme[1] == '/') q = scheme + 3;
    if (address && end - q > 4 && memcmp(q, "www.", 4) == 0) q += 4;
    for (; q < end; q++)
        if (address || ft__ascii_alnum(*q))
            ft__buf_byte(&w->stem, (char)(ft__ascii_upper(*q) ? *q | 0x20 : *q));
    w->failed |= w->stem.failed;
    if (w->failed) return;
    ft__view key = {w->stem.data, w->stem.len};
    ft__facts_item *item = ft__facts_item_add(r, FT__ITEM_ID, p, end);
    item->class_id = ft__facts_key(w, key);
    for (const char *part = p, *stop; !address && part < end; part = stop + (stop == part)) {
        for (stop = part; stop < end && ft__ascii_letter(*stop); stop++) {}
        ft__view v = {part, (size_t)(stop - part)};
        if (v.n < 2) continue;
        ft__facts_add_word(r, part, stop, v);
        if (!w->failed) r->items[r->n - 1].flags |= FT__WORD_QUIET;
    }
}

/* ---- other marks */

static int ft__facts_currency(const char **p, const char *end) {
    static const struct {
        const char *sign;
        int dim;
    } signs[] = {{"$", FT__DIM_USD},
                 {"\xE2\x82\xAC", FT__DIM_EUR},
                 {"\xC2\xA3", FT__DIM_GBP},
                 {"\xC2\xA5", FT__DIM_JPY},
                 {"\xE2\x82\xB9", FT__DIM_INR}};
    for (size_t i = 0; i < FT__COUNT(signs); i++) {
        size_t n = strlen(signs[i].sign);
        if ((size_t)(end - *p) < n || memcmp(*p, signs[i].sign, n) != 0) continue;
        *p += n;
        return signs[i].dim;
    }
    return 0;
}

/* "$5" or "5 $" */
static void ft__facts_set_currency(ft__facts_reader *r, int dim, const char *next) {
    ft__facts_item *last = r->n ? &r->items[r->n - 1] : NULL;
    const char *number = next < r->end && *next == ' ' ? next + 1 : next;
    bool behind = last && last->kind == FT__ITEM_DIGITS && !last->dim &&
                  (size_t)(next - r->base) - last->end <= 4;
    if (behind && !(number < r->end && ft__ascii_digit(*number))) last->dim = dim;
    else r->currency = dim;
}

FT__PRIV size_t ft__facts_source(ft__view v) {
    static const char label[] = "sources:";
    size_t i = 0, k = 0;
    for (; i < v.n && label[k]; k++) {
        if ((v.text[i] | 0x20) == label[k] || v.text[i] == label[k]) i++;
        else if (label[k] != 's' || k == 0) return 0;
    }
    return label[k] ? 0 : i;
}

/* "[3]", "[1, 2]", "(source: log)" is a reference and states nothing. */
static const char *ft__facts_reference(const char *p, const char *end) {
    char close = *p == '[' ? ']' : ')';
    ft__view inside = {p + 1, (size_t)(end - p - 1)};
    bool named = ft__facts_source(inside) > 0;
    const char *q = p + 1;
    while (
        q < end && q - p < 200 && *q != close &&
        (named || (close == ']' && (ft__ascii_digit(*q) || *q == ',' || *q == ' ' || *q == '-'))))
        q++;
    return q < end && *q == close && q > p + 1 ? q + 1 : NULL;
}

static const char *ft__facts_mark(ft__facts_reader *r, const char *p) {
    const char *q = p, *end = r->end;
    int currency;
    if (*p == ',') r->marks |= FT__WORD_COMMA;
    else if (*p && strchr(";:()[]{}\"\n\r*#|", *p)) {
        if ((*p == '[' || *p == '(') && (q = ft__facts_reference(p, end)) != NULL) return q;
        q = p;
        if (*p != '*' && *p != '#' && *p != '"') r->marks |= FT__WORD_BREAK;
        r->first |= strchr(":\"\n\r|", *p) != NULL;
    } else if (*p == '?') {
        r->asks = true;
    } else if ((currency = ft__facts_currency(&q, end)) != 0) {
        ft__facts_set_currency(r, currency, q);
        return q;
    }
    if (!(*p & 0x80)) {
        bool dash = *p == '-' && p > r->base && p[-1] == ' ';
        if (dash && !(end - p > 1 && ft__ascii_digit(p[1]))) r->marks |= FT__WORD_BREAK;
        return p + 1;
    }
    uint32_t c = ft__utf8_next(&q, end);
    if (c == 0x2013 || c == 0x2014 || c == 0x3001 || c == 0xFF0C) r->marks |= FT__WORD_BREAK;
    if (c == 0x201C || c == 0x2022 || c == 0x201E) r->first = true;
    if (c == 0xFF1F || c == 0x61F) r->asks = true;
    return q;
}

FT__PRIV const char *ft__facts_read(ft__facts_reader *r, const char *p) {
    const char *end = r->end, *q;
    if (*p == ' ') return p + 1;
    if (ft__ascii_digit(*p)) return ft__facts_add_number(r, p);
    if (!ft__ascii_letter(*p) && !(*p & 0x80)) return ft__facts_mark(r, p);
    if (*p & 0x80) {
        const char *next = p;
        uint32_t c = ft__utf8_next(&next, end);
        if (c == FT__BAD_UTF8) return next;
        if (ft__facts_unspaced(c)) return ft__facts_unspaced_words(r, p, end);
        if (!ft__facts_word_char(c)) return ft__facts_mark(r, p);
    }
    q = ft__facts_word_end(p, end);
    bool joined = end - q > 1 && ft__facts_joiner(*q) && (ft__ascii_alnum(q[1]) || q[1] == '/');
    bool initials = end - q > 0 && q - p == 1 && *q == '.';
    const char *stop;
    if (initials && (stop = ft__facts_initials(p, end)) != NULL) {
        ft__facts_add_initials(r, p, stop);
        return stop;
    }
    if (joined && (stop = ft__facts_address(p, end)) != NULL) {
        ft__facts_add_id(r, p, stop, true);
        return stop;
    }
    if (ft__ascii_letter(*p) && (stop = ft__facts_code(p, end)) != NULL) {
        ft__facts_add_id(r, p, stop, false);
        return stop;
    }
    ft__view text = {p, (size_t)(q - p)};
    /* "US$5" */
    if (!(q < end && *q == '$')) ft__facts_add_word(r, p, q, text);
    return q;
}
