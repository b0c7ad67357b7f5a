/* What the text evaluators measure with.  White space, words and lower case are Python's, because
   the scripts whose numbers we reproduce are written in it. */
#include "eval.h"

static ft__view ft__text_view(const char *text, size_t n) {
    ft__view v;
    v.text = n ? text : "";
    v.n = n;
    return v;
}

FT__PRIV ft__view ft__buf_view(const ft__buf *b) { return ft__text_view(b->data, b->len); }

FT__PRIV ft__view ft__buf_keep(const ft__buf *b, ft__arena *arena) {
    ft__view v = {NULL, b->len};
    if (!b->failed) v.text = ft__arena_text(arena, ft__buf_view(b).text, b->len);
    return v;
}

FT__PRIV bool ft__text_is(ft__view v, const char *text) {
    return ft__text_equal(v.text, v.n, text, strlen(text));
}

FT__PRIV int ft__text_compare(ft__view a, ft__view b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.text, b.text, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

/* Where the last character of a text that is not empty begins.  A byte that belongs to no character
   is one by itself. */
static const char *ft__text_last(ft__view v) {
    const char *end = v.text + v.n;
    for (size_t back = 2; back <= 4 && back <= v.n; back++) {
        const char *p = end - back;
        if (ft__utf8_next(&p, end) != FT__BAD_UTF8 && p == end) return end - back;
    }
    return end - 1;
}

FT__PRIV ft__view ft__text_strip(ft__view v) {
    const char *begin = v.text, *end = v.text + v.n;
    for (const char *p = begin; p < end && ft__is_space(ft__utf8_next(&p, end));) begin = p;
    while (begin < end) {
        const char *last = ft__text_last(ft__text_view(begin, (size_t)(end - begin))), *p = last;
        if (!ft__is_space(ft__utf8_next(&p, end))) break;
        end = last;
    }
    ft__view inside = {begin, (size_t)(end - begin)}; /* in the text even where nothing is left */
    return inside;
}

FT__PRIV bool ft__text_needs_blank(ft__view before, ft__view after) {
    if (!before.n || !after.n) return false;
    const char *p = ft__text_last(before), *q = after.text;
    return !ft__is_space(ft__utf8_next(&p, before.text + before.n)) &&
           !ft__is_space(ft__utf8_next(&q, after.text + after.n));
}

FT__PRIV size_t ft__text_chars(ft__view v) {
    size_t count = 0;
    for (const char *p = v.text, *end = p + v.n; p < end; count++) ft__utf8_next(&p, end);
    return count;
}

FT__PRIV bool ft__text_next_word(const char **p, const char *end, ft__view *word) {
    const char *begin = *p, *q = *p;
    while (q < end && ft__is_space(ft__utf8_next(&q, end))) begin = q;
    *p = begin;
    if (begin == end) return false;
    for (q = begin; q < end && !ft__is_space(ft__utf8_next(&q, end));) *p = q;
    *word = ft__text_view(begin, (size_t)(*p - begin));
    return true;
}

FT__PRIV size_t ft__text_words(ft__view v) {
    size_t count = 0;
    ft__view word;
    for (const char *p = v.text, *end = p + v.n; ft__text_next_word(&p, end, &word);) count++;
    return count;
}

FT__PRIV bool ft__ascii_begins(const char *p, const char *end, const char *low) {
    for (; *low; p++, low++)
        if (p == end || ft__ascii_lower(*p) != *low) return false;
    return true;
}

FT__PRIV bool ft__ascii_has(ft__view v, const char *low) {
    for (size_t i = 0; i < v.n; i++)
        if (ft__ascii_begins(v.text + i, v.text + v.n, low)) return true;
    return false;
}

/* D. Knuth, J. Morris, V. Pratt, "Fast pattern matching in strings", 1977.  border[i] is the length
   of the longest proper prefix of `part` that part[0..i] ends with. */
FT__PRIV bool ft__text_contains(ft__view whole, ft__view part, const ft_allocator *a, bool *found) {
    *found = part.n == 0;
    if (part.n == 0 || part.n > whole.n) return true;
    size_t *border = (size_t *)ft__alloc_zero(a, part.n, sizeof *border);
    if (!border) return false;
    for (size_t i = 1, k = 0; i < part.n; border[i++] = k) {
        while (k && part.text[i] != part.text[k]) k = border[k - 1];
        if (part.text[i] == part.text[k]) k++;
    }
    for (size_t i = 0, k = 0; i < whole.n && !*found; i++) {
        while (k && whole.text[i] != part.text[k]) k = border[k - 1];
        if (whole.text[i] == part.text[k]) k++;
        *found = k == part.n;
    }
    ft__free(a, border);
    return true;
}

FT__PRIV const char *ft__text_excerpt(ft__view v, char out[64]) {
    const char *p = v.text, *end = p + v.n;
    size_t n = 0;
    while (p < end && n < 64 - 8) { /* room for a character, "..." and NUL */
        uint32_t c = ft__utf8_next(&p, end);
        if (c < ' ' || c == 0x7F) c = ' ';
        n += (size_t)ft__utf8_encode(c == FT__BAD_UTF8 ? '?' : c, out + n);
    }
    memcpy(out + n, "...", 4);
    if (p == end) out[n] = 0;
    return out;
}

/* ---- texts as numbers */

/* FNV-1a (G. Fowler, L. Noll, K.-P. Vo), with the high half folded in. */
static size_t ft__interner_hash(ft__view text) {
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < text.n; i++) h = (h ^ (uint8_t)text.text[i]) * 0x100000001B3u;
    return (size_t)(h ^ h >> 32);
}

FT__PRIV void ft__interner_init(ft__interner *v, const ft_allocator *a) {
    memset(v, 0, sizeof *v);
    v->allocator = *a;
}

FT__PRIV void ft__interner_free(ft__interner *v) {
    ft__free(&v->allocator, v->texts);
    ft__free(&v->allocator, v->slots);
}

/* Slots hold a number + 1; there are always twice as many as texts. */
static bool ft__interner_grow(ft__interner *v) {
    size_t n_slots = v->n_slots ? 2 * v->n_slots : 64;
    uint32_t *slots = (uint32_t *)ft__alloc_zero(&v->allocator, n_slots, sizeof *slots);
    if (!slots) return false;
    for (size_t i = 0; i < v->n; i++) {
        size_t at = ft__interner_hash(v->texts[i]) & (n_slots - 1);
        while (slots[at]) at = (at + 1) & (n_slots - 1);
        slots[at] = (uint32_t)i + 1;
    }
    ft__free(&v->allocator, v->slots);
    v->slots = slots;
    v->n_slots = n_slots;
    return true;
}

FT__PRIV uint32_t ft__interner_id(ft__interner *v, ft__view text) {
    if (v->failed || v->n >= UINT32_MAX - 1 ||
        (2 * (v->n + 1) > v->n_slots && !ft__interner_grow(v)) ||
        !ft__grow(&v->allocator, (void **)&v->texts, &v->cap, v->n + 1, sizeof *v->texts)) {
        v->failed = true;
        return 0;
    }
    size_t at = ft__interner_hash(text) & (v->n_slots - 1);
    for (; v->slots[at]; at = (at + 1) & (v->n_slots - 1)) {
        ft__view known = v->texts[v->slots[at] - 1];
        if (ft__text_equal(known.text, known.n, text.text, text.n)) return v->slots[at] - 1;
    }
    v->texts[v->n] = text;
    v->slots[at] = (uint32_t)++v->n;
    return (uint32_t)v->n - 1;
}

FT__PRIV bool ft__interner_find(const ft__interner *v, ft__view text, uint32_t *id) {
    if (v->n == 0) return false;
    for (size_t at = ft__interner_hash(text) & (v->n_slots - 1); v->slots[at];
         at = (at + 1) & (v->n_slots - 1)) {
        ft__view known = v->texts[v->slots[at] - 1];
        *id = v->slots[at] - 1;
        if (ft__text_equal(known.text, known.n, text.text, text.n)) return true;
    }
    return false;
}

/* ---- case folding */

/* Letters whose folding is not simply their lower case, from Unicode's CaseFolding: `count` letters
   from `first` on become to[0], to[0] + 1, ..., each followed by the rest of `to` up to a 0. */
typedef struct ft__fold_row {
    uint16_t first, count, to[3];
} ft__fold_row;

static const ft__fold_row ft__fold_rows[] = {
    {0xB5, 1, {0x3BC, 0x0, 0x0}}, {0xDF, 1, {0x73, 0x73, 0x0}}, {0x130, 1, {0x69, 0x307, 0x0}},
    {0x149, 1, {0x2BC, 0x6E, 0x0}}, {0x17F, 1, {0x73, 0x0, 0x0}}, {0x1F0, 1, {0x6A, 0x30C, 0x0}},
    {0x345, 1, {0x3B9, 0x0, 0x0}}, {0x390, 1, {0x3B9, 0x308, 0x301}},
    {0x3B0, 1, {0x3C5, 0x308, 0x301}}, {0x3C2, 1, {0x3C3, 0x0, 0x0}}, {0x3D0, 1, {0x3B2, 0x0, 0x0}},
    {0x3D1, 1, {0x3B8, 0x0, 0x0}}, {0x3D5, 1, {0x3C6, 0x0, 0x0}}, {0x3D6, 1, {0x3C0, 0x0, 0x0}},
    {0x3F0, 1, {0x3BA, 0x0, 0x0}}, {0x3F1, 1, {0x3C1, 0x0, 0x0}}, {0x3F5, 1, {0x3B5, 0x0, 0x0}},
    {0x587, 1, {0x565, 0x582, 0x0}}, {0x13A0, 86, {0x13A0, 0x0, 0x0}},
    {0x13F8, 6, {0x13F0, 0x0, 0x0}}, {0x1C80, 1, {0x432, 0x0, 0x0}}, {0x1C81, 1, {0x434, 0x0, 0x0}},
    {0x1C82, 1, {0x43E, 0x0, 0x0}}, {0x1C83, 2, {0x441, 0x0, 0x0}}, {0x1C85, 1, {0x442, 0x0, 0x0}},
    {0x1C86, 1, {0x44A, 0x0, 0x0}}, {0x1C87, 1, {0x463, 0x0, 0x0}}, {0x1C88, 1, {0xA64B, 0x0, 0x0}},
    {0x1E96, 1, {0x68, 0x331, 0x0}}, {0x1E97, 1, {0x74, 0x308, 0x0}},
    {0x1E98, 1, {0x77, 0x30A, 0x0}}, {0x1E99, 1, {0x79, 0x30A, 0x0}},
    {0x1E9A, 1, {0x61, 0x2BE, 0x0}}, {0x1E9B, 1, {0x1E61, 0x0, 0x0}},
    {0x1E9E, 1, {0x73, 0x73, 0x0}}, {0x1F50, 1, {0x3C5, 0x313, 0x0}},
    {0x1F52, 1, {0x3C5, 0x313, 0x300}}, {0x1F54, 1, {0x3C5, 0x313, 0x301}},
    {0x1F56, 1, {0x3C5, 0x313, 0x342}}, {0x1F80, 8, {0x1F00, 0x3B9, 0x0}},
    {0x1F88, 8, {0x1F00, 0x3B9, 0x0}}, {0x1F90, 8, {0x1F20, 0x3B9, 0x0}},
    {0x1F98, 8, {0x1F20, 0x3B9, 0x0}}, {0x1FA0, 8, {0x1F60, 0x3B9, 0x0}},
    {0x1FA8, 8, {0x1F60, 0x3B9, 0x0}}, {0x1FB2, 1, {0x1F70, 0x3B9, 0x0}},
    {0x1FB3, 1, {0x3B1, 0x3B9, 0x0}}, {0x1FB4, 1, {0x3AC, 0x3B9, 0x0}},
    {0x1FB6, 1, {0x3B1, 0x342, 0x0}}, {0x1FB7, 1, {0x3B1, 0x342, 0x3B9}},
    {0x1FBC, 1, {0x3B1, 0x3B9, 0x0}}, {0x1FBE, 1, {0x3B9, 0x0, 0x0}},
    {0x1FC2, 1, {0x1F74, 0x3B9, 0x0}}, {0x1FC3, 1, {0x3B7, 0x3B9, 0x0}},
    {0x1FC4, 1, {0x3AE, 0x3B9, 0x0}}, {0x1FC6, 1, {0x3B7, 0x342, 0x0}},
    {0x1FC7, 1, {0x3B7, 0x342, 0x3B9}}, {0x1FCC, 1, {0x3B7, 0x3B9, 0x0}},
    {0x1FD2, 1, {0x3B9, 0x308, 0x300}}, {0x1FD3, 1, {0x3B9, 0x308, 0x301}},
    {0x1FD6, 1, {0x3B9, 0x342, 0x0}}, {0x1FD7, 1, {0x3B9, 0x308, 0x342}},
    {0x1FE2, 1, {0x3C5, 0x308, 0x300}}, {0x1FE3, 1, {0x3C5, 0x308, 0x301}},
    {0x1FE4, 1, {0x3C1, 0x313, 0x0}}, {0x1FE6, 1, {0x3C5, 0x342, 0x0}},
    {0x1FE7, 1, {0x3C5, 0x308, 0x342}}, {0x1FF2, 1, {0x1F7C, 0x3B9, 0x0}},
    {0x1FF3, 1, {0x3C9, 0x3B9, 0x0}}, {0x1FF4, 1, {0x3CE, 0x3B9, 0x0}},
    {0x1FF6, 1, {0x3C9, 0x342, 0x0}}, {0x1FF7, 1, {0x3C9, 0x342, 0x3B9}},
    {0x1FFC, 1, {0x3C9, 0x3B9, 0x0}}, {0xAB70, 80, {0x13A0, 0x0, 0x0}},
    {0xFB00, 1, {0x66, 0x66, 0x0}}, {0xFB01, 1, {0x66, 0x69, 0x0}}, {0xFB02, 1, {0x66, 0x6C, 0x0}},
    {0xFB03, 1, {0x66, 0x66, 0x69}}, {0xFB04, 1, {0x66, 0x66, 0x6C}},
    {0xFB05, 1, {0x73, 0x74, 0x0}}, {0xFB06, 1, {0x73, 0x74, 0x0}},
    {0xFB13, 1, {0x574, 0x576, 0x0}}, {0xFB14, 1, {0x574, 0x565, 0x0}},
    {0xFB15, 1, {0x574, 0x56B, 0x0}}, {0xFB16, 1, {0x57E, 0x576, 0x0}},
    {0xFB17, 1, {0x574, 0x56D, 0x0}},
};

static void ft__fold_char(uint32_t c, ft__buf *out) {
    char bytes[4];
    size_t low = 0, high = FT__COUNT(ft__fold_rows);
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (ft__fold_rows[middle].first <= c) low = middle;
        else high = middle;
    }
    const ft__fold_row *row = &ft__fold_rows[low];
    bool special = c - row->first < row->count; /* wraps for what comes before the first row */
    uint32_t folded = special ? row->to[0] + (c - row->first) : ft__lower_char(c);
    ft__buf_add(out, bytes, (size_t)ft__utf8_encode(folded, bytes));
    for (int i = 1; special && i < 3 && row->to[i]; i++)
        ft__buf_add(out, bytes, (size_t)ft__utf8_encode(row->to[i], bytes));
}

/* Stretches of ASCII are copied and changed in their place. */
FT__PRIV void ft__casefold(const char *text, size_t n, ft__buf *out) {
    const char *end = text + n;
    for (const char *p = text; p < end && !out->failed;) {
        const char *from = p;
        size_t start = out->len;
        while (p < end && (*p & 0x80) == 0) p++;
        ft__buf_add(out, from, (size_t)(p - from));
        for (size_t i = start; i < out->len; i++) {
            char c = out->data[i];
            out->data[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        }
        if (p == end) break;
        from = p;
        uint32_t c = ft__utf8_next(&p, end);
        if (c == FT__BAD_UTF8) ft__buf_add(out, from, 1);
        else ft__fold_char(c, out);
    }
}

/* ---- SQuAD

   The order is the script's: lower case, then punctuation is deleted, not replaced (so that
   "state-of-the-art" becomes one word), and only then articles are looked for, so that "a.m." keeps
   its a.  An article is a whole run of word characters (Python's \w); a space takes its place. */

typedef struct ft__squad_writer {
    char *text;           /* has room for all that may come */
    size_t start, n;      /* where this text began; bytes so far */
    size_t mark, run;     /* before the run of word characters, with and without its blank */
    bool blank, inside;   /* white space is due; in a run */
    bool keep_articles;
} ft__squad_writer;

static bool ft__squad_is_article(const char *word, size_t n) {
    if (n == 1) return word[0] == 'a';
    if (n == 2) return word[0] == 'a' && word[1] == 'n';
    return n == 3 && word[0] == 't' && word[1] == 'h' && word[2] == 'e';
}

static void ft__squad_end_run(ft__squad_writer *w) {
    if (w->inside && !w->keep_articles && ft__squad_is_article(w->text + w->run, w->n - w->run)) {
        w->n = w->mark;
        w->blank = true;
    }
    w->inside = false;
}

/* A character that is no white space, in lower case, comes next. */
static void ft__squad_begin(ft__squad_writer *w, bool word) {
    if (w->inside && word) return;
    ft__squad_end_run(w);
    w->mark = w->n;
    if (w->blank && w->n > w->start) w->text[w->n++] = ' ';
    w->blank = false;
    w->run = w->n;
    w->inside = word;
}

static void ft__squad_space(ft__squad_writer *w) {
    ft__squad_end_run(w);
    w->blank = true;
}

/* Anything but ASCII.  The byte of no character stays as it is. */
static const char *ft__squad_other(ft__squad_writer *w, const char *p, const char *end) {
    const char *from = p;
    uint32_t c = ft__utf8_next(&p, end);
    if (c == FT__BAD_UTF8) {
        ft__squad_begin(w, false);
        w->text[w->n++] = *from;
        return p;
    }
    c = ft__lower_char(c);
    bool word = ft__is_word(c);
    if (!word && ft__is_space(c)) {
        ft__squad_space(w);
        return p;
    }
    ft__squad_begin(w, word);
    w->n += (size_t)ft__utf8_encode(c, w->text + w->n);
    return p;
}

static const char *ft__squad_ascii(ft__squad_writer *w, const char *p, const char *end) {
    for (; p < end && (*p & 0x80) == 0; p++) {
        char c = *p;
        if (c >= 'A' && c <= 'Z') c = (char)(c + 32);
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            ft__squad_begin(w, true);
            w->text[w->n++] = c;
        } else if (c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F)) {
            ft__squad_space(w);
        } else if (c < ' ' || c == 0x7F) {
            ft__squad_begin(w, false);
            w->text[w->n++] = c;
        }
    }
    return p;
}

static bool ft__squad_has(ft__view v, const char *letter) {
    for (const char *p = v.text, *end = p + v.n; end - p >= 2; p++) {
        p = (const char *)memchr(p, letter[0], (size_t)(end - p - 1));
        if (!p) return false;
        if (p[1] == letter[1]) return true;
    }
    return false;
}

/* Two letters have a lower case that takes more than a look at themselves: I with a dot becomes two
   characters, capital sigma depends on its place. */
static bool ft__squad_lower_is_simple(ft__view v) {
    return !ft__squad_has(v, "\xC4\xB0") && !ft__squad_has(v, "\xCE\xA3");
}

FT__PRIV void ft__squad_normalize_to(ft__view v, bool keep_articles, ft__buf *out) {
    ft__squad_writer w;
    ft__buf low;
    size_t need;
    ft__buf_init(&low, &out->allocator);
    if (!ft__squad_lower_is_simple(v)) {
        ft__lower(v.text, v.n, &low);
        v = ft__text_view(low.data, low.len);
    }
    /* Lower case takes at most 3 bytes for 2; each blank was a byte or more. */
    if (low.failed || out->failed || !ft__add_size(v.n, v.n / 2 + 2, &need) ||
        !ft__add_size(need, out->len, &need) ||
        !ft__grow(&out->allocator, (void **)&out->data, &out->cap, need, 1)) {
        out->failed = true;
        ft__buf_free(&low);
        return;
    }
    memset(&w, 0, sizeof w);
    w.text = out->data;
    w.start = w.n = out->len;
    w.keep_articles = keep_articles;
    for (const char *p = v.text, *end = p + v.n; p < end;) {
        p = ft__squad_ascii(&w, p, end);
        if (p < end) p = ft__squad_other(&w, p, end);
    }
    ft__squad_end_run(&w);
    out->len = w.n;
    out->data[w.n] = 0;
    ft__buf_free(&low);
}

FT__PRIV void ft__squad_normalize(ft__view v, ft__buf *out) {
    ft__squad_normalize_to(v, false, out);
}

/* The next of the words that single blanks separate; false at the end. */
static bool ft__squad_next(const char **p, const char *end, ft__view *word) {
    if (*p >= end) return false;
    const char *blank = (const char *)memchr(*p, ' ', (size_t)(end - *p));
    const char *stop = blank ? blank : end;
    *word = ft__text_view(*p, (size_t)(stop - *p));
    *p = stop + 1;
    return true;
}

FT__PRIV void ft__squad_init(ft__squad *s, const ft_allocator *a) {
    memset(s, 0, sizeof *s);
    ft__buf_init(&s->text, a);
    ft__interner_init(&s->words, &s->text.allocator);
}

FT__PRIV bool ft__squad_count(ft__squad *s) {
    ft__view word;
    if (s->text.failed || s->text.len == 0) return !s->text.failed;
    const char *p = s->text.data, *end = p + s->text.len;
    while (ft__squad_next(&p, end, &word)) {
        size_t known = s->words.n, id = ft__interner_id(&s->words, word);
        if (s->words.failed || !ft__grow(&s->text.allocator, (void **)&s->counts, &s->cap,
                                         s->words.n, sizeof *s->counts))
            return false;
        if (id == known) s->counts[id] = 0;
        s->counts[id]++;
        s->n_tokens++;
    }
    return true;
}

FT__PRIV bool ft__squad_read(ft__squad *s, ft__view v, const ft_allocator *a) {
    ft__squad_init(s, a);
    ft__squad_normalize(v, &s->text);
    return ft__squad_count(s);
}

FT__PRIV void ft__squad_free(ft__squad *s) {
    ft__free(&s->text.allocator, s->counts);
    ft__interner_free(&s->words);
    ft__buf_free(&s->text);
}

FT__PRIV size_t ft__squad_shared(const ft__squad *x, const ft__squad *y, bool once) {
    size_t shared = 0;
    if (x->words.n < y->words.n) return ft__squad_shared(y, x, once);
    for (size_t j = 0; j < y->words.n; j++) {
        uint32_t i;
        if (!ft__interner_find(&x->words, y->words.texts[j], &i)) continue;
        size_t both = x->counts[i] < y->counts[j] ? x->counts[i] : y->counts[j];
        shared += once ? 1 : both;
    }
    return shared;
}

FT__PRIV double ft__squad_f1(const ft__squad *x, const ft__squad *y) {
    size_t same = ft__squad_shared(x, y, false);
    if (x->n_tokens == 0 || y->n_tokens == 0) return x->n_tokens == y->n_tokens;
    if (same == 0) return 0;
    double precision = (double)same / (double)x->n_tokens;
    double recall = (double)same / (double)y->n_tokens;
    return 2 * precision * recall / (precision + recall);
}
