/* Python's strings: finding, cutting, replacing, and the cases of letters.

   Results are put together behind the output and taken from there (ft__jinja_take), which is one copy. */
#include "jinja.h"

/* ---- places */

FT__PRIV size_t ft__jinja_offset(const ft__jstr *s, size_t chars) {
    if (s->chars == s->len) return chars < s->len ? chars : s->len;
    size_t i = 0;
    for (; i < s->len; i++)
        if (((unsigned char)s->data[i] & 0xC0) != 0x80 && chars-- == 0) break;
    return i;
}

FT__PRIV int64_t ft__jinja_find(ft__jinja *r, const ft__jstr *s, size_t from, const ft__jstr *what) {
    const char *p = s->data + from, *end = s->data + s->len;
    if (what->len == 0) return (int64_t)from;
    ft__jinja_work(r, (s->len - from) / 64);
    while ((size_t)(end - p) >= what->len && !r->status) {
        p = (const char *)memchr(p, what->data[0], (size_t)(end - p) - what->len + 1);
        if (!p) break;
        if (memcmp(p, what->data, what->len) == 0) return p - s->data;
        ft__jinja_work(r, what->len / 64);
        p++;
    }
    return -1;
}

static ft__jv ft__jtext_marked(ft__jv v, ft__jv like) {
    v.flag = like.flag;
    return v;
}

/* ---- cutting and replacing */

FT__PRIV ft__jv ft__jinja_escape(ft__jinja *r, ft__jv v) {
    static const char special[] = "<>&\"'";
    static const char *const names[] = {"&lt;", "&gt;", "&amp;", "&#34;", "&#39;"};
    if (v.type == FT__JV_STR && v.flag) return v;
    ft__jv text = ft__jinja_to_str(r, v);
    if (r->status) return v;
    size_t start = r->out.len;
    const char *p = text.as.s->data, *end = p + text.as.s->len, *run = p;
    for (; p < end; p++) {
        const char *known = *p ? strchr(special, *p) : NULL;
        if (!known) continue;
        ft__jinja_put(r, run, (size_t)(p - run));
        ft__jinja_puts(r, names[known - special]);
        run = p + 1;
    }
    ft__jinja_put(r, run, (size_t)(p - run));
    text = ft__jinja_take(r, start);
    text.flag = 1;
    return text;
}

static bool ft__jtext_among(uint32_t c, ft__jv chars) {
    if (chars.type != FT__JV_STR) return ft__is_space(c);
    const char *p = chars.as.s->data, *end = p + chars.as.s->len;
    while (p < end)
        if (ft__utf8_next(&p, end) == c) return true;
    return false;
}

/* `chars` is a set of characters; anything but a string: white space. */
FT__PRIV ft__jv ft__jinja_strip(ft__jinja *r, ft__jv s, ft__jv chars, bool left, bool right) {
    const char *p = s.as.s->data, *end = p + s.as.s->len;
    if (r->status) return s;
    while (left && p < end) {
        const char *next = p;
        if (!ft__jtext_among(ft__utf8_next(&next, end), chars)) break;
        p = next;
    }
    while (right && end > p) {
        const char *last = end - 1, *at;
        while (last > p && ((unsigned char)*last & 0xC0) == 0x80) last--;
        at = last;
        if (!ft__jtext_among(ft__utf8_next(&at, end), chars)) break;
        end = last;
    }
    return ft__jtext_marked(ft__jinja_str(r, p, (size_t)(end - p)), s);
}

/* At most `count` times, -1: always.  An empty `old` stands before every character and at the end. */
FT__PRIV ft__jv ft__jinja_replace(ft__jinja *r, ft__jv s, ft__jv old, ft__jv with, int64_t count) {
    const ft__jstr *text = s.as.s, *what = old.as.s;
    size_t start = r->out.len, at = 0;
    if (r->status) return s;
    for (bool first = true; count != 0 && !r->status; count -= count > 0, first = false) {
        size_t from = at;
        if (what->len == 0 && !first) {
            const char *p = text->data + at;
            if (at == text->len) break;
            ft__utf8_next(&p, text->data + text->len);
            from = (size_t)(p - text->data);
        }
        int64_t found = ft__jinja_find(r, text, from, what);
        if (found < 0) break;
        ft__jinja_put(r, text->data + at, (size_t)found - at);
        ft__jinja_put(r, with.as.s->data, with.as.s->len);
        at = (size_t)found + what->len;
    }
    ft__jinja_put(r, text->data + at, text->len - at);
    return ft__jinja_take(r, start);
}

static bool ft__jtext_ends_line(uint32_t c) {
    return (c >= '\n' && c <= '\r') || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

FT__PRIV ft__jv ft__jinja_lines(ft__jinja *r, ft__jv s, bool keep_ends) {
    ft__jv lines = ft__jinja_generator(r, NULL);
    const char *p = s.as.s->data, *end = p + s.as.s->len;
    while (p < end && !r->status) {
        const char *begin = p, *stop = p;
        uint32_t c = 0;
        while (p < end && !ft__jtext_ends_line(c)) stop = p, c = ft__utf8_next(&p, end);
        if (!ft__jtext_ends_line(c)) stop = p;
        if (c == '\r' && p < end && *p == '\n') p++;
        ft__jv line = ft__jinja_str(r, begin, (size_t)((keep_ends ? p : stop) - begin));
        ft__jinja_generate(r, lines.as.generator, line);
    }
    if (r->status) return s;
    return ft__jinja_list(r, FT__JV_LIST, lines.as.generator->items, lines.as.generator->n);
}

/* Filled up to `width` characters: where < 0 the text stands left, > 0 right, 0 in the middle. */
FT__PRIV ft__jv ft__jinja_center(ft__jinja *r, ft__jv s, int64_t width, int where, uint32_t fill) {
    int64_t more = width - (int64_t)s.as.s->chars;
    size_t start = r->out.len;
    if (r->status || more <= 0) return s;
    int64_t before = where < 0 ? 0 : where > 0 ? more : more / 2 + (more & width & 1);
    for (int64_t i = 0; i < before && !r->status; i++) ft__jinja_put_char(r, fill);
    ft__jinja_put(r, s.as.s->data, s.as.s->len);
    for (int64_t i = before; i < more && !r->status; i++) ft__jinja_put_char(r, fill);
    return ft__jtext_marked(ft__jinja_take(r, start), s);
}

/* ---- cases */

/* Capitals that are not simply the letter whose small one this is (SpecialCasing.txt, and letters that
   share a capital). */
static const uint16_t ft__jtext_capitals[][4] = {
    {0xB5, 0x39C, 0, 0}, {0xDF, 'S', 'S', 0}, {0x131, 'I', 0, 0}, {0x149, 0x2BC, 'N', 0}, {0x17F, 'S', 0, 0},
    {0x1C5, 0x1C4, 0, 0}, {0x1C8, 0x1C7, 0, 0}, {0x1CB, 0x1CA, 0, 0}, {0x1F0, 'J', 0x30C, 0},
    {0x1F2, 0x1F1, 0, 0}, {0x345, 0x399, 0, 0}, {0x390, 0x399, 0x308, 0x301}, {0x3B0, 0x3A5, 0x308, 0x301},
    {0x3C2, 0x3A3, 0, 0}, {0x3D0, 0x392, 0, 0}, {0x3D1, 0x398, 0, 0}, {0x3D5, 0x3A6, 0, 0}, {0x3D6, 0x3A0, 0, 0},
    {0x3F0, 0x39A, 0, 0}, {0x3F1, 0x3A1, 0, 0}, {0x3F5, 0x395, 0, 0}, {0x587, 0x535, 0x552, 0},
    {0x1C80, 0x412, 0, 0}, {0x1C81, 0x414, 0, 0}, {0x1C82, 0x41E, 0, 0}, {0x1C83, 0x421, 0, 0},
    {0x1C84, 0x422, 0, 0}, {0x1C85, 0x422, 0, 0}, {0x1C86, 0x42A, 0, 0}, {0x1C87, 0x462, 0, 0},
    {0x1C88, 0xA64A, 0, 0}, {0x1E96, 'H', 0x331, 0}, {0x1E97, 'T', 0x308, 0}, {0x1E98, 'W', 0x30A, 0},
    {0x1E99, 'Y', 0x30A, 0}, {0x1E9A, 'A', 0x2BE, 0}, {0x1E9B, 0x1E60, 0, 0}, {0x1F50, 0x3A5, 0x313, 0},
    {0x1F52, 0x3A5, 0x313, 0x300}, {0x1F54, 0x3A5, 0x313, 0x301}, {0x1F56, 0x3A5, 0x313, 0x342},
    {0x1FB2, 0x1FBA, 0x399, 0}, {0x1FB3, 0x391, 0x399, 0}, {0x1FB4, 0x386, 0x399, 0}, {0x1FB6, 0x391, 0x342, 0},
    {0x1FB7, 0x391, 0x342, 0x399}, {0x1FBC, 0x391, 0x399, 0}, {0x1FBE, 0x399, 0, 0}, {0x1FC2, 0x1FCA, 0x399, 0},
    {0x1FC3, 0x397, 0x399, 0}, {0x1FC4, 0x389, 0x399, 0}, {0x1FC6, 0x397, 0x342, 0}, {0x1FC7, 0x397, 0x342, 0x399},
    {0x1FCC, 0x397, 0x399, 0}, {0x1FD2, 0x399, 0x308, 0x300}, {0x1FD3, 0x399, 0x308, 0x301},
    {0x1FD6, 0x399, 0x342, 0}, {0x1FD7, 0x399, 0x308, 0x342}, {0x1FE2, 0x3A5, 0x308, 0x300},
    {0x1FE3, 0x3A5, 0x308, 0x301}, {0x1FE4, 0x3A1, 0x313, 0}, {0x1FE6, 0x3A5, 0x342, 0},
    {0x1FE7, 0x3A5, 0x308, 0x342}, {0x1FF2, 0x1FFA, 0x399, 0}, {0x1FF3, 0x3A9, 0x399, 0}, {0x1FF4, 0x38F, 0x399, 0},
    {0x1FF6, 0x3A9, 0x342, 0}, {0x1FF7, 0x3A9, 0x342, 0x399}, {0x1FFC, 0x3A9, 0x399, 0}, {0xFB00, 'F', 'F', 0},
    {0xFB01, 'F', 'I', 0}, {0xFB02, 'F', 'L', 0}, {0xFB03, 'F', 'F', 'I'}, {0xFB04, 'F', 'F', 'L'},
    {0xFB05, 'S', 'T', 0}, {0xFB06, 'S', 'T', 0}, {0xFB13, 0x544, 0x546, 0}, {0xFB14, 0x544, 0x535, 0},
    {0xFB15, 0x544, 0x53B, 0}, {0xFB16, 0x54E, 0x546, 0}, {0xFB17, 0x544, 0x53D, 0},
};

/* One to three characters. */
static int ft__jtext_upper(uint32_t c, uint32_t out[3]) {
    static const uint16_t with_iota[] = {0x1F08, 0x1F28, 0x1F68};
    if (c >= 0x1F80 && c < 0x1FB0) {
        out[0] = with_iota[(c - 0x1F80) >> 4] + (c & 7);
        out[1] = 0x399;
        return 2;
    }
    for (size_t i = 0; c >= 0xB5 && i < FT__COUNT(ft__jtext_capitals); i++) {
        if (ft__jtext_capitals[i][0] != c) continue;
        for (int k = 0; k < 3; k++) out[k] = ft__jtext_capitals[i][k + 1];
        return out[2] ? 3 : out[1] ? 2 : 1;
    }
    out[0] = ft__upper_char(c);
    return 1;
}

/* As a word begins: of several letters only the first is a capital. */
static int ft__jtext_title(uint32_t c, uint32_t out[3]) {
    if ((c >= 0x1C4 && c <= 0x1CC) || (c >= 0x1F1 && c <= 0x1F3)) { /* DZ as one letter */
        out[0] = c >= 0x1F1 ? 0x1F2 : c - (c - 0x1C4) % 3 + 1;
        return 1;
    }
    out[0] = c;
    if (c >= 0x10D0 && c <= 0x10FF) return 1; /* Georgian has no titles */
    if (c >= 0x1F80 && c < 0x1FB0) out[0] = c | 8;
    if (c == 0x1FB3 || c == 0x1FC3 || c == 0x1FF3) out[0] = c + 9;
    if (out[0] != c || c == 0x1FBC || c == 0x1FCC || c == 0x1FFC || (c >= 0x1F80 && c < 0x1FB0)) return 1;
    int n = ft__jtext_upper(c, out);
    for (int i = 1; i < n && c != 0x149; i++) out[i] = out[i] == 0x399 ? 0x345 : ft__lower_char(out[i]);
    return n;
}

static void ft__jtext_put_all(ft__jinja *r, const uint32_t *c, int n) {
    for (int i = 0; i < n; i++) ft__jinja_put_char(r, c[i]);
}

static bool ft__jtext_cased(uint32_t c) {
    ft__char_class is = ft__char_class_of(c);
    return is == FT__UNICODE_LU || is == FT__UNICODE_LT || is == FT__UNICODE_LL;
}

FT__PRIV ft__jv ft__jinja_upper(ft__jinja *r, ft__jv s) {
    const char *p = s.as.s->data, *end = p + s.as.s->len;
    size_t start = r->out.len;
    uint32_t out[3];
    while (p < end && !r->status) {
        uint32_t c = ft__utf8_next(&p, end);
        ft__jtext_put_all(r, out, ft__jtext_upper(c, out));
    }
    return ft__jtext_marked(ft__jinja_take(r, start), s);
}

static void ft__jtext_put_lower(ft__jinja *r, const char *text, size_t n) {
    if (r->status || !ft__jinja_work(r, n / 16)) return;
    ft__lower(text, n, &r->out); /* never more than half as long again */
    if (r->out.failed) ft__jinja_fail(r, FT_ERR_MEMORY, "out of memory");
    else if (r->out.len > r->limit.output) ft__jinja_put(r, "", 1); /* says so */
}

FT__PRIV ft__jv ft__jinja_lower(ft__jinja *r, ft__jv s) {
    size_t start = r->out.len;
    if (r->status) return s;
    ft__jtext_put_lower(r, s.as.s->data, s.as.s->len);
    return ft__jtext_marked(ft__jinja_take(r, start), s);
}

/* Walks a text and its lower case side by side, since what is small may depend on the letters around (the
   final sigma): character `*c`, and what it is in lower case at *small, *n bytes. */
static bool ft__jtext_pair(const char **p, const char *end, const char **small, const char *small_end,
                           uint32_t *c, size_t *n) {
    const char *next = *small += *n;
    if (*p == end) return false;
    *c = ft__utf8_next(p, end);
    ft__utf8_next(&next, small_end);
    if (*c == 0x130) ft__utf8_next(&next, small_end); /* it becomes two */
    *n = (size_t)(next - *small);
    return true;
}

/* Which characters become a title, a capital; the others become small. */
typedef enum ft__jtext_plan { FT__JTEXT_FIRST, FT__JTEXT_RUNS, FT__JTEXT_SWAP } ft__jtext_plan;

static ft__jv ft__jtext_recase(ft__jinja *r, ft__jv s, ft__jtext_plan plan) {
    uint32_t out[3], c;
    size_t start = r->out.len, n = 0;
    ft__jv lower = ft__jinja_lower(r, s);
    if (r->status) return s;
    const char *p = s.as.s->data, *end = p + s.as.s->len;
    const char *small = lower.as.s->data, *small_end = small + lower.as.s->len;
    bool title = plan != FT__JTEXT_SWAP;
    while (!r->status && ft__jtext_pair(&p, end, &small, small_end, &c, &n)) {
        bool cased = ft__jtext_cased(c);
        bool keep = plan == FT__JTEXT_SWAP ? ft__char_class_of(c) == FT__UNICODE_LU : !title;
        if (keep) ft__jinja_put(r, small, n);
        else ft__jtext_put_all(r, out, plan == FT__JTEXT_SWAP ? ft__jtext_upper(c, out) : ft__jtext_title(c, out));
        title = plan == FT__JTEXT_RUNS && !cased;
    }
    return ft__jtext_marked(ft__jinja_take(r, start), s);
}

FT__PRIV ft__jv ft__jinja_capitalize(ft__jinja *r, ft__jv s) { return ft__jtext_recase(r, s, FT__JTEXT_FIRST); }

/* str.title: every run of letters begins with a capital. */
FT__PRIV ft__jv ft__jinja_title(ft__jinja *r, ft__jv s) { return ft__jtext_recase(r, s, FT__JTEXT_RUNS); }

FT__PRIV ft__jv ft__jinja_swapcase(ft__jinja *r, ft__jv s) { return ft__jtext_recase(r, s, FT__JTEXT_SWAP); }

static bool ft__jtext_separates(uint32_t c) {
    return ft__is_space(c) || (c < 0x80 && c && strchr("-({[<", (int)c));
}

/* The filter: words are apart by white space and - ( { [ < only. */
FT__PRIV ft__jv ft__jinja_title_words(ft__jinja *r, ft__jv s) {
    const char *p = s.as.s->data, *end = p + s.as.s->len;
    uint32_t out[3];
    size_t start = r->out.len;
    while (p < end && !r->status) {
        const char *at = p, *stop = p;
        uint32_t c = ft__utf8_next(&p, end);
        bool separates = ft__jtext_separates(c);
        if (separates) ft__jinja_put(r, at, (size_t)(p - at));
        else ft__jtext_put_all(r, out, ft__jtext_upper(c, out));
        for (at = stop = p; p < end; stop = p)
            if (ft__jtext_separates(ft__utf8_next(&p, end)) != separates) break;
        ft__jtext_put_lower(r, at, (size_t)(stop - at));
        p = stop;
    }
    return ft__jtext_marked(ft__jinja_take(r, start), s);
}

/* Some cased letters, and none of the other case. */
FT__PRIV bool ft__jinja_is_case(const ft__jstr *s, bool upper) {
    const char *p = s->data, *end = p + s->len;
    bool any = false;
    while (p < end) {
        ft__char_class is = ft__char_class_of(ft__utf8_next(&p, end));
        if (is == FT__UNICODE_LT || is == (upper ? FT__UNICODE_LL : FT__UNICODE_LU)) return false;
        any = any || is == FT__UNICODE_LU || is == FT__UNICODE_LL;
    }
    return any;
}
