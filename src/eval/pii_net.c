/* E-mail addresses, found at their '@', and the addresses of machines, found at a digit or ':'. */
#include "pii.h"

/* ---- e-mail addresses */

/* RFC 5321 allows more than these in a local part; those are separators in practice. */
static bool ft__pii_local(char c) {
    return ft__ascii_word(c) || c == '.' || c == '%' || c == '+' || c == '-' || c == '\'';
}

/* Pictures for screens of high density are called name@2x.png. */
static bool ft__pii_is_picture(const char *label, size_t n) {
    static const char *const kinds[] = {"png", "jpg", "jpeg", "gif", "bmp", "svg", "webp", "ico",
                                        "tif", "tiff", "pdf"};
    for (size_t i = 0; i < FT__COUNT(kinds); i++) {
        size_t k = 0;
        while (k < n && kinds[i][k] && (label[k] | 32) == kinds[i][k]) k++;
        if (k == n && !kinds[i][k]) return true;
    }
    return false;
}

static bool ft__pii_is_top_level(const char *label, size_t n) {
    if (n > 4 && memcmp(label, "xn--", 4) == 0) return true;
    for (size_t i = 0; i < n; i++)
        if (!ft__ascii_letter(label[i])) return false;
    return n >= 2 && !ft__pii_is_picture(label, n);
}

/* The end of the longest host name at p that has a dot and ends in a top-level domain, or p. */
static const char *ft__pii_domain(const ft__pii_scan *s, const char *p) {
    const char *stop = p, *q = p;
    for (int labels = 1; q - p < 254; labels++) {
        const char *label = q;
        while (q < s->end && q - label < 64 && (ft__ascii_alnum(*q) || *q == '-')) q++;
        const char *end = q;
        while (end > label && end[-1] == '-') end--;
        if (end == label || *label == '-' || q - label > 63) break;
        if (labels > 1 && ft__pii_is_top_level(label, (size_t)(end - label))) stop = end;
        if (end < q || ft__pii_at(s, q) != '.') break;
        q++;
    }
    return stop;
}

/* https://user:password@host is no address of a person. */
static bool ft__pii_is_user_info(const ft__pii_scan *s, const char *p) {
    if (ft__pii_before(s, p) != ':' && ft__pii_before(s, p) != '/') return false;
    for (const char *q = p; q - s->text >= 2 && p - q < 64 && (uint8_t)q[-1] > ' '; q--)
        if (q[-1] == '/' && q[-2] == '/') return true;
    return false;
}

FT__PRIV bool ft__pii_email(const ft__pii_scan *s, const char *at, ft__pii_span *span) {
    const char *begin = at;
    while (begin > s->free && at - begin < 65 && ft__pii_local(begin[-1])) {
        if (begin[-1] == '.' && (begin == at || *begin == '.')) break;
        begin--;
    }
    if (at - begin > 64) return false;
    while (begin < at && !ft__ascii_alnum(*begin)) begin++;
    span->begin = begin;
    span->end = ft__pii_domain(s, at + 1);
    span->type = FT__PII_EMAIL;
    return begin < at && span->end > at + 1 && !ft__pii_is_user_info(s, begin);
}

/* ---- addresses of machines */

/* Four numbers of one to three digits; *fine: they are 0 to 255, without leading zeros. */
static const char *ft__pii_quad(const ft__pii_scan *s, const char *p, bool *fine) {
    *fine = true;
    for (int i = 0; i < 4; i++) {
        size_t n = ft__pii_digits(s, p);
        if (n < 1 || n > 3) return NULL;
        if (ft__pii_number(p, n) > 255 || (n > 1 && *p == '0')) *fine = false;
        p += n;
        if (i < 3 && ft__pii_at(s, p++) != '.') return NULL;
    }
    return p;
}

FT__PRIV bool ft__pii_ipv4(const ft__pii_scan *s, const char *p, ft__pii_span *span) {
    bool fine;
    char before = ft__pii_before(s, p);
    const char *end = ft__pii_quad(s, p, &fine);
    if (!end || ft__ascii_word(before) ||
        (before == '.' && p - s->text > 1 && ft__ascii_digit(p[-2])))
        return false;
    char c = ft__pii_at(s, end);
    if (ft__ascii_word(c) || (c == '.' && ft__ascii_digit(ft__pii_at(s, end + 1)))) return false;
    span->type = fine ? FT__PII_IPV4 : FT__PII_NONE;
    span->begin = p;
    span->end = end;
    return true;
}

/* Up to eight groups of up to four hexadecimal digits; "::" once for one group or more; the last
   two may be an IPv4 address.  Times and "std::vector" have the colons, too, but no such number of
   groups, or a word around them. */
FT__PRIV bool ft__pii_ipv6(const ft__pii_scan *s, const char *at, ft__pii_span *span) {
    const char *p = at;
    int groups = 0;
    bool gap = false, digit = false, fine = true;
    while (p > s->free && at - p < 4 && ft__ascii_hex(p[-1])) p--;
    if (ft__ascii_word(ft__pii_before(s, p)) || ft__pii_before(s, p) == ':') return false;
    span->begin = p;
    if (*p == ':') {
        if (ft__pii_at(s, p + 1) != ':') return false;
        gap = true;
        p += 2;
    }
    while (p < s->end && groups < 9) {
        const char *group = p;
        while (p < s->end && p - group < 5 && ft__ascii_hex(*p)) digit |= ft__ascii_digit(*p++);
        if (p == group) break;
        if (ft__pii_at(s, p) == '.' && ft__ascii_digit(ft__pii_at(s, p + 1))) {
            p = ft__pii_quad(s, group, &fine);
            if (!p || !fine) return false;
            groups += 2;
            break;
        }
        if (p - group > 4) return false;
        groups++;
        if (ft__pii_at(s, p) != ':') break;
        if (ft__pii_at(s, p + 1) == ':') {
            if (gap) return false;
            gap = true;
            p += 2;
        } else if (ft__ascii_hex(ft__pii_at(s, p + 1))) p++;
        else break;
    }
    span->type = FT__PII_IPV6;
    span->end = p;
    char c = ft__pii_at(s, p);
    if (ft__ascii_word(c) || (c == '.' && ft__ascii_digit(ft__pii_at(s, p + 1)))) return false;
    return digit && (gap ? groups >= 1 && groups <= 7 : groups == 8);
}
