/* What the text evaluators measure with.  White space, words and lower case are Python's, because
   the scripts whose numbers we reproduce are written in it. */
#include "eval.h"

static ft__view ft__text_view(const char *text, size_t n) {
    ft__view v;
    v.text = n ? text : "";
    v.n = n;
    return v;
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
    return ft__text_view(begin, (size_t)(end - begin));
}

FT__PRIV size_t ft__text_chars(ft__view v) {
    size_t count = 0;
    for (const char *p = v.text, *end = p + v.n; p < end; count++) ft__utf8_next(&p, end);
    return count;
}

FT__PRIV size_t ft__text_words(ft__view v) {
    size_t count = 0;
    bool inside = false;
    for (const char *p = v.text, *end = p + v.n; p < end;) {
        bool word = !ft__is_space(ft__utf8_next(&p, end));
        if (word && !inside) count++;
        inside = word;
    }
    return count;
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

/* ---- SQuAD */

static bool ft__squad_is_punctuation(char c) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
}

static bool ft__squad_is_article(const char *word, size_t n) {
    return ft__text_equal(word, n, "a", 1) || ft__text_equal(word, n, "an", 2) ||
           ft__text_equal(word, n, "the", 3);
}

/* From p to the end of the word characters; one character at least. */
static const char *ft__squad_run(const char *p, const char *end) {
    const char *stop = p;
    if (!ft__is_word(ft__utf8_next(&stop, end))) return stop;
    for (p = stop; p < end && ft__is_word(ft__utf8_next(&p, end));) stop = p;
    return stop;
}

/* Punctuation is deleted, not replaced ("state-of-the-art" becomes one word), and before the
   articles are looked for, so that "a.m." keeps its a.  An article is a whole run of word
   characters; a space takes its place. */
FT__PRIV void ft__squad_normalize(ft__view v, ft__buf *out) {
    ft__buf low;
    size_t start = out->len, n = 0;
    bool blank = false;
    ft__buf_init(&low, &out->allocator);
    ft__lower(v.text, v.n, &low);
    for (size_t i = 0; i < low.len; i++)
        if (!ft__squad_is_punctuation(low.data[i])) low.data[n++] = low.data[i];
    for (const char *p = low.len ? low.data : "", *end = p + n, *stop; p < end; p = stop) {
        const char *q = p;
        stop = ft__squad_run(p, end);
        if (ft__is_space(ft__utf8_next(&q, end)) || ft__squad_is_article(p, (size_t)(stop - p))) {
            blank = true;
            continue;
        }
        if (blank && out->len > start) ft__buf_byte(out, ' ');
        blank = false;
        ft__buf_add(out, p, (size_t)(stop - p));
    }
    if (low.failed) out->failed = true;
    ft__buf_free(&low);
}

static int ft__squad_order(const void *a, const void *b) {
    const ft__view *x = (const ft__view *)a, *y = (const ft__view *)b;
    if (x->n != y->n) return x->n < y->n ? -1 : 1;
    return memcmp(x->text, y->text, x->n);
}

FT__PRIV bool ft__squad_read(ft__squad *s, ft__view v, const ft_allocator *a) {
    size_t count = 1;
    s->tokens = NULL;
    s->n_tokens = 0;
    ft__buf_init(&s->text, a);
    ft__squad_normalize(v, &s->text);
    if (s->text.failed) return false;
    if (s->text.len == 0) return true;
    for (size_t i = 0; i < s->text.len; i++) count += s->text.data[i] == ' ';
    s->tokens = (ft__view *)ft__alloc_zero(&s->text.allocator, count, sizeof *s->tokens);
    if (!s->tokens) return false;
    const char *end = s->text.data + s->text.len;
    for (const char *p = s->text.data; s->n_tokens < count;) {
        const char *blank = (const char *)memchr(p, ' ', (size_t)(end - p));
        const char *stop = blank ? blank : end;
        s->tokens[s->n_tokens++] = ft__text_view(p, (size_t)(stop - p));
        p = stop + 1;
    }
    qsort(s->tokens, s->n_tokens, sizeof *s->tokens, ft__squad_order);
    return true;
}

FT__PRIV void ft__squad_free(ft__squad *s) {
    ft__free(&s->text.allocator, s->tokens);
    ft__buf_free(&s->text);
}

FT__PRIV double ft__squad_f1(const ft__squad *x, const ft__squad *y) {
    size_t same = 0, i = 0, j = 0;
    if (x->n_tokens == 0 || y->n_tokens == 0) return x->n_tokens == y->n_tokens;
    while (i < x->n_tokens && j < y->n_tokens) {
        int order = ft__squad_order(&x->tokens[i], &y->tokens[j]);
        same += order == 0;
        i += order <= 0;
        j += order >= 0;
    }
    if (same == 0) return 0;
    double precision = (double)same / (double)x->n_tokens;
    double recall = (double)same / (double)y->n_tokens;
    return 2 * precision * recall / (precision + recall);
}
