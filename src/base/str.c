/* Text: a growing buffer, patterns, the nearest name, UTF-8. */
#include "base.h"

FT__PRIV void ft__buf_init(ft__buf *b, const ft_allocator *a) {
    memset(b, 0, sizeof *b);
    b->allocator = ft__allocator(a);
}

FT__PRIV void ft__buf_free(ft__buf *b) {
    ft__free(&b->allocator, b->data);
    b->data = NULL;
    b->len = b->cap = 0;
}

/* Room for n more bytes and the NUL. */
static bool ft__buf_room(ft__buf *b, size_t n) {
    size_t need;
    if (b->failed) return false;
    if (!ft__add_size(b->len, n, &need) || !ft__add_size(need, 1, &need) ||
        !ft__grow(&b->allocator, (void **)&b->data, &b->cap, need, 1))
        b->failed = true;
    return !b->failed;
}

FT__PRIV void ft__buf_add(ft__buf *b, const char *bytes, size_t n) {
    if (!ft__buf_room(b, n)) return;
    if (n) memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = 0;
}

FT__PRIV void ft__buf_text(ft__buf *b, const char *text) { ft__buf_add(b, text, strlen(text)); }
FT__PRIV void ft__buf_byte(ft__buf *b, char c) { ft__buf_add(b, &c, 1); }

FT__PRIV void ft__buf_printf(ft__buf *b, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0) b->failed = true; /* longer than an int can say */
    if (!ft__buf_room(b, (size_t)n)) return;
    va_start(args, fmt);
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, args);
    va_end(args);
    b->len += (size_t)n;
}

FT__PRIV void ft__buf_fixed(ft__buf *b, double value, int decimals) {
    static const double scales[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    double scaled = (value < 0 ? -value : value) * scales[decimals];
    if (!(scaled < 9e15)) { /* also NaN */
        ft__buf_text(b, value != value ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    uint64_t whole = (uint64_t)scaled, unit = (uint64_t)scales[decimals];
    double rest = scaled - (double)whole;
    if (rest > 0.5 || (rest >= 0.5 && (whole & 1))) whole++;
    ft__buf_printf(b, "%s%llu", value < 0 && whole ? "-" : "", (unsigned long long)(whole / unit));
    if (decimals) ft__buf_printf(b, ".%0*llu", decimals, (unsigned long long)(whole % unit));
}

FT__PRIV ft_status ft__buf_write(const ft__buf *b, ft_write_fn write, void *user, const char *where,
                                 ft_error *err) {
    if (b->failed) return ft__fail_memory(err);
    if (write(user, b->len ? b->data : "", b->len) == 0) return FT_OK;
    return ft__fail(err, FT_ERR_CANCELLED, where, "the output was refused");
}

FT__PRIV bool ft__text_equal(const char *a, size_t n_a, const char *b, size_t n_b) {
    return n_a == n_b && (n_a == 0 || memcmp(a, b, n_a) == 0);
}

/* Levenshtein distance with one row; names longer than 63 bytes are never near. */
static unsigned ft__nearest_distance(const char *a, const char *b) {
    size_t n_a = strlen(a), n_b = strlen(b);
    unsigned row[64];
    if (n_a > 63 || n_b > 63) return 99;
    for (size_t j = 0; j <= n_b; j++) row[j] = (unsigned)j;
    for (size_t i = 1; i <= n_a; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n_b; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[n_b];
}

FT__PRIV const char *ft__nearest(const char *wanted, const void *names, size_t count, size_t stride) {
    const char *best = NULL;
    unsigned limit = (unsigned)strlen(wanted) / 3 + 2;
    for (size_t i = 0; i < count; i++) {
        const char *name = *(const char *const *)(const void *)((const char *)names + i * stride);
        unsigned distance = ft__nearest_distance(wanted, name);
        if (distance < limit) {
            limit = distance;
            best = name;
        }
    }
    return best;
}

/* On a mismatch only the last star has to be tried again, one byte further: linear in practice and at
   most pattern times text. */
FT__PRIV bool ft__glob(const char *pattern, const char *text) {
    const char *star = NULL, *retry = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            retry = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*') pattern++;
    return *pattern == 0;
}

/* Length that the first byte announces, and the smallest second byte rules of Unicode table 3-7. */
static int ft__utf8_length(unsigned char lead) {
    return lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
}

static bool ft__utf8_second_ok(unsigned char lead, unsigned char second) {
    unsigned char lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    return second >= lowest && second <= highest;
}

FT__PRIV uint32_t ft__utf8_next(const char **p, const char *end) {
    const unsigned char *s = (const unsigned char *)*p;
    int n = ft__utf8_length(s[0]);
    *p += 1;
    if (n == 1) return s[0];
    if (n == 0 || end - (*p - 1) < n || !ft__utf8_second_ok(s[0], s[1])) return FT__BAD_UTF8;
    uint32_t c = s[0] & (0x7Fu >> n);
    for (int i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80) return FT__BAD_UTF8;
        c = c << 6 | (s[i] & 0x3Fu);
    }
    *p += n - 1;
    return c;
}

FT__PRIV int ft__utf8_encode(uint32_t c, char out[4]) {
    int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (int i = n - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(lead[n] | c);
    return n;
}

FT__PRIV size_t ft__utf8_incomplete_tail(const char *text, size_t n) {
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        unsigned char c = (unsigned char)text[n - back];
        if ((c & 0xC0) == 0x80) continue;
        if ((size_t)ft__utf8_length(c) <= back) return 0;
        if (back > 1 && !ft__utf8_second_ok(c, (unsigned char)text[n - back + 1])) return 0;
        return back;
    }
    return 0;
}
