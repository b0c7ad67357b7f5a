/* The formats of JSON Schema, and URIs.  Each format is a row: a name and a test of a string.

   date, time and date-time are RFC 3339's (a leap second only where it is 23:59:60 in UTC),
   duration its appendix A, email RFC 5321's mailbox, hostname RFC 1123's, addresses RFC 4291's,
   URIs RFC 3986's and IRIs RFC 3987's, pointers RFC 6901's, templates RFC 6570's, uuid RFC 9562's.

   Known limits: a label that begins with xn-- is taken as any other, its punycode is not looked
   into; idn-hostname, which needs the tables of IDNA, is not tested, as any format that is not in
   the table; idn-email takes any character beyond ASCII in a domain. */
#include "eval.h"

/* strchr takes the NUL for one of the set. */
static bool ft__format_in(char c, const char *set) { return c && strchr(set, c); }

static ft__view ft__format_part(const char *begin, const char *end) {
    ft__view v = {begin, (size_t)(end - begin)};
    return v;
}

/* ---- dates and times */

/* Exactly n digits at *p; -1: there are not. */
static int ft__format_digits(const char **p, const char *end, int n) {
    int value = 0;
    for (; n > 0; n--, (*p)++) {
        if (*p == end || !ft__ascii_digit(**p)) return -1;
        value = 10 * value + (**p - '0');
    }
    return value;
}

static bool ft__format_skip(const char **p, const char *end, char c) {
    if (*p == end || **p != c) return false;
    (*p)++;
    return true;
}

static bool ft__format_date(ft__view v) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const char *p = v.text, *end = p + v.n;
    int year = ft__format_digits(&p, end, 4);
    if (year < 0 || !ft__format_skip(&p, end, '-')) return false;
    int month = ft__format_digits(&p, end, 2);
    if (month < 1 || month > 12 || !ft__format_skip(&p, end, '-')) return false;
    int day = ft__format_digits(&p, end, 2);
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return p == end && day >= 1 && day <= days[month - 1] + (month == 2 && leap);
}

static bool ft__format_time(ft__view v) {
    const char *p = v.text, *end = p + v.n;
    int hour = ft__format_digits(&p, end, 2), offset = 0;
    if (hour < 0 || hour > 23 || !ft__format_skip(&p, end, ':')) return false;
    int minute = ft__format_digits(&p, end, 2);
    if (minute < 0 || minute > 59 || !ft__format_skip(&p, end, ':')) return false;
    int second = ft__format_digits(&p, end, 2);
    if (second < 0 || second > 60) return false;
    if (ft__format_skip(&p, end, '.')) {
        if (ft__format_digits(&p, end, 1) < 0) return false;
        while (p < end && ft__ascii_digit(*p)) p++;
    }
    if (p == end) return false;
    char sign = *p++;
    if (sign == '+' || sign == '-') {
        int hours = ft__format_digits(&p, end, 2);
        if (hours < 0 || hours > 23 || !ft__format_skip(&p, end, ':')) return false;
        int minutes = ft__format_digits(&p, end, 2);
        if (minutes < 0 || minutes > 59) return false;
        offset = (60 * hours + minutes) * (sign == '+' ? 1 : -1);
    } else if ((sign | 32) != 'z') {
        return false;
    }
    int utc = (60 * hour + minute - offset + 2880) % 1440;
    return p == end && (second < 60 || utc == 1439);
}

static bool ft__format_date_time(ft__view v) {
    return v.n > 11 && (v.text[10] | 32) == 't' &&
           ft__format_date(ft__format_part(v.text, v.text + 10)) &&
           ft__format_time(ft__format_part(v.text + 11, v.text + v.n));
}

/* Numbers, each with its unit: a run of `units` without a gap.  *p moves behind the last. */
static bool ft__format_units(const char **p, const char *end, const char *units) {
    const char *expected = NULL;
    while (*p < end && ft__ascii_digit(**p)) {
        while (*p < end && ft__ascii_digit(**p)) (*p)++;
        if (*p == end || !ft__format_in(**p, units)) return false;
        const char *unit = strchr(units, **p);
        if (expected && unit != expected) return false;
        expected = unit + 1;
        (*p)++;
    }
    return expected != NULL;
}

static bool ft__format_duration(ft__view v) {
    const char *p = v.text, *end = p + v.n;
    if (!ft__format_skip(&p, end, 'P') || p == end) return false;
    if (v.text[v.n - 1] == 'W') return ft__format_units(&p, end, "W") && p == end;
    if (*p != 'T' && !ft__format_units(&p, end, "YMD")) return false;
    if (ft__format_skip(&p, end, 'T') && !ft__format_units(&p, end, "HMS")) return false;
    return p == end;
}

/* ---- addresses */

static bool ft__format_ipv4(ft__view v) {
    const char *p = v.text, *end = p + v.n;
    for (int part = 0; part < 4; part++) {
        const char *start = p;
        int value = 0;
        if (part && !ft__format_skip(&p, end, '.')) return false;
        if (part) start = p;
        while (p < end && ft__ascii_digit(*p) && p - start < 3)
            value = 10 * value + (*p++ - '0');
        if (p == start || value > 255 || (p - start > 1 && *start == '0')) return false;
    }
    return p == end;
}

/* Eight groups; "::" stands for one or more; the last two may be written as IPv4. */
static bool ft__format_ipv6(ft__view v) {
    const char *p = v.text, *end = p + v.n;
    int groups = 0;
    bool gap = false;
    if (end - p >= 2 && p[0] == ':' && p[1] == ':') {
        gap = true;
        p += 2;
    }
    while (p < end) {
        const char *start = p;
        while (p < end && ft__ascii_hex(*p) && p - start < 4) p++;
        if (p < end && *p == '.') {
            groups += 2;
            if (!ft__format_ipv4(ft__format_part(start, end))) return false;
            break;
        }
        groups++;
        if (p == start) return false;
        if (p == end) break;
        if (*p++ != ':' || p == end) return false;
        if (*p != ':') continue;
        if (gap) return false;
        gap = true;
        p++;
    }
    return gap ? groups < 8 : groups == 8;
}

/* Labels of letters, digits and inner hyphens; with `wide` also of characters beyond ASCII. */
static bool ft__format_labels(ft__view v, bool wide) {
    const char *label = v.text, *end = v.text + v.n;
    if (v.n == 0 || v.n > 253) return false;
    for (const char *p = label; p <= end; p++) {
        if (p < end && *p != '.') {
            if (!ft__ascii_letter(*p) && !ft__ascii_digit(*p) && *p != '-' &&
                !(wide && (unsigned char)*p >= 0x80))
                return false;
            continue;
        }
        if (p == label || p - label > 63 || *label == '-' || p[-1] == '-') return false;
        label = p + 1;
    }
    return true;
}

static bool ft__format_hostname(ft__view v) { return ft__format_labels(v, false); }

static bool ft__format_quoted_local(ft__view v, bool wide) {
    if (v.n < 2 || v.text[v.n - 1] != '"') return false;
    for (size_t i = 1; i < v.n - 1; i++) {
        unsigned char c = (unsigned char)v.text[i];
        if (c == '"' || c < 32 || c == 127 || (c > 127 && !wide)) return false;
        if (c == '\\' && (++i == v.n - 1 || v.text[i] < 32 || v.text[i] == 127)) return false;
    }
    return true;
}

static bool ft__format_local(ft__view v, bool wide) {
    bool dot = true; /* none may stand here */
    if (v.n == 0 || v.n > 64) return false;
    if (v.text[0] == '"') return ft__format_quoted_local(v, wide);
    for (size_t i = 0; i < v.n; i++) {
        char c = v.text[i];
        if (c == '.' && dot) return false;
        dot = c == '.';
        if (!dot && !ft__ascii_letter(c) && !ft__ascii_digit(c) &&
            !ft__format_in(c, "!#$%&'*+-/=?^_`{|}~") && !(wide && (unsigned char)c >= 0x80))
            return false;
    }
    return !dot;
}

static bool ft__format_mailbox(ft__view v, bool wide) {
    const char *end = v.text + v.n, *at = end;
    while (at > v.text && at[-1] != '@') at--;
    if (at == v.text || !ft__format_local(ft__format_part(v.text, at - 1), wide)) return false;
    if (at == end || *at != '[') return ft__format_labels(ft__format_part(at, end), wide);
    if (end[-1] != ']') return false;
    if (end - at > 6 && memcmp(at, "[IPv6:", 6) == 0)
        return ft__format_ipv6(ft__format_part(at + 6, end - 1));
    return ft__format_ipv4(ft__format_part(at + 1, end - 1));
}

static bool ft__format_email(ft__view v) { return ft__format_mailbox(v, false); }
static bool ft__format_idn_email(ft__view v) { return ft__format_mailbox(v, true); }

static bool ft__format_uuid(ft__view v) {
    if (v.n != 36) return false;
    for (size_t i = 0; i < v.n; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (hyphen ? v.text[i] != '-' : !ft__ascii_hex(v.text[i])) return false;
    }
    return true;
}

/* ---- pointers and templates */

static bool ft__format_json_pointer(ft__view v) {
    if (v.n && v.text[0] != '/') return false;
    for (size_t i = 0; i < v.n; i++)
        if (v.text[i] == '~' && (i + 1 == v.n || !ft__format_in(v.text[i + 1], "01"))) return false;
    return true;
}

static bool ft__format_relative_pointer(ft__view v) {
    size_t i = 0;
    while (i < v.n && ft__ascii_digit(v.text[i])) i++;
    if (i == 0 || (i > 1 && v.text[0] == '0')) return false;
    if (i + 1 == v.n && v.text[i] == '#') return true;
    return ft__format_json_pointer(ft__format_part(v.text + i, v.text + v.n));
}

static bool ft__format_at_percent(const char *p, const char *end) {
    return end - p >= 3 && *p == '%' && ft__ascii_hex(p[1]) && ft__ascii_hex(p[2]);
}

/* One variable: a name of parts joined by dots, and ":LENGTH" or "*". */
static bool ft__format_variable(const char **p, const char *end) {
    bool dot = true; /* a dot may not stand here */
    for (;; (*p)++) {
        if (*p == end) return false;
        if (ft__format_at_percent(*p, end)) *p += 2;
        else if (**p == '.' ? dot
                            : !ft__ascii_letter(**p) && !ft__ascii_digit(**p) && **p != '_')
            break;
        dot = **p == '.';
    }
    if (dot || **p == '*') return !dot && ++*p < end;
    if (**p != ':') return true;
    const char *start = ++*p;
    while (*p < end && ft__ascii_digit(**p)) (*p)++;
    return *p > start && *p - start <= 4 && *start != '0';
}

static bool ft__format_uri_template(ft__view v) {
    const char *p = v.text, *end = p + v.n;
    while (p < end) {
        if (*p != '{') {
            if (*p == '%' ? !ft__format_at_percent(p, end)
                          : (unsigned char)*p <= 32 || *p == 127 || strchr("\"<>\\^`|}", *p))
                return false;
            p++;
            continue;
        }
        if (++p < end && ft__format_in(*p, "+#./;?&")) p++;
        do
            if (!ft__format_variable(&p, end)) return false;
        while (ft__format_skip(&p, end, ','));
        if (!ft__format_skip(&p, end, '}')) return false;
    }
    return true;
}

/* ---- URIs */

/* The five parts; .text NULL where there is none.  path is always there. */
typedef struct ft__uri {
    ft__view scheme, authority, path, query, fragment;
} ft__uri;

static ft__uri ft__uri_split(ft__view v) {
    ft__uri u;
    const char *p = v.text, *end = p + v.n, *start = p;
    memset(&u, 0, sizeof u);
    while (p < end && !ft__format_in(*p, ":/?#")) p++;
    if (p < end && *p == ':' && p > start && ft__ascii_letter(*start)) {
        u.scheme = ft__format_part(start, p);
        start = p + 1;
    }
    if (end - start >= 2 && start[0] == '/' && start[1] == '/') {
        for (p = start += 2; p < end && !ft__format_in(*p, "/?#");) p++;
        u.authority = ft__format_part(start, p);
        start = p;
    }
    for (p = start; p < end && *p != '?' && *p != '#';) p++;
    u.path = ft__format_part(start, p);
    if (p < end && *p == '?') {
        for (start = ++p; p < end && *p != '#';) p++;
        u.query = ft__format_part(start, p);
    }
    if (p < end) u.fragment = ft__format_part(p + 1, end);
    return u;
}

/* Characters of any part, and those of `more`; if `wide` those of IRIs, private ones if allowed. */
static bool ft__uri_has_only(ft__view v, const char *more, bool wide, bool private_too) {
    for (const char *p = v.text, *end = p + v.n; p < end;) {
        if (ft__ascii_letter(*p) || ft__ascii_digit(*p) ||
            ft__format_in(*p, "-._~!$&'()*+,;=") || ft__format_in(*p, more)) {
            p++;
        } else if (*p == '%') {
            if (!ft__format_at_percent(p, end)) return false;
            p += 3;
        } else {
            uint32_t c = ft__utf8_next(&p, end);
            bool is_private = (c >= 0xE000 && c <= 0xF8FF) || c >= 0xF0000;
            if (!wide || c < 0xA0 || c == FT__BAD_UTF8 || (is_private && !private_too))
                return false;
        }
    }
    return true;
}

static bool ft__uri_is_ip_literal(ft__view v) {
    size_t i = 1;
    if (v.n < 4 || (v.text[0] | 32) != 'v') return ft__format_ipv6(v);
    while (i < v.n && ft__ascii_hex(v.text[i])) i++;
    return i > 1 && i + 1 < v.n && v.text[i] == '.' && !memchr(v.text, '%', v.n) &&
           ft__uri_has_only(ft__format_part(v.text + i + 1, v.text + v.n), ":", false, false);
}

static bool ft__uri_is_authority(ft__view v, bool wide) {
    const char *host = v.text, *end = v.text + v.n, *port = end;
    const char *at = v.n ? (const char *)memchr(host, '@', v.n) : NULL;
    if (at) {
        if (!ft__uri_has_only(ft__format_part(host, at), ":", wide, false)) return false;
        host = at + 1;
    }
    while (port > host && ft__ascii_digit(port[-1])) port--;
    if (port > host && port[-1] == ':') end = port - 1;
    if (host < end && *host == '[')
        return end[-1] == ']' && ft__uri_is_ip_literal(ft__format_part(host + 1, end - 1));
    return ft__uri_has_only(ft__format_part(host, end), "", wide, false);
}

static bool ft__uri_is_valid(ft__view v, bool relative, bool wide) {
    ft__uri u = ft__uri_split(v);
    for (size_t i = 0; i < u.scheme.n; i++)
        if (!ft__ascii_letter(u.scheme.text[i]) && !ft__ascii_digit(u.scheme.text[i]) &&
            !ft__format_in(u.scheme.text[i], "+-."))
            return false;
    if (!u.scheme.text) {
        /* a colon in the first segment would be that of a scheme */
        for (size_t i = 0; i < u.path.n && u.path.text[i] != '/'; i++)
            if (u.path.text[i] == ':') return false;
        if (!relative) return false;
    }
    return (!u.authority.text || ft__uri_is_authority(u.authority, wide)) &&
           ft__uri_has_only(u.path, ":@/", wide, false) &&
           (!u.query.text || ft__uri_has_only(u.query, ":@/?", wide, true)) &&
           (!u.fragment.text || ft__uri_has_only(u.fragment, ":@/?", wide, false));
}

static bool ft__format_uri(ft__view v) { return ft__uri_is_valid(v, false, false); }
static bool ft__format_uri_reference(ft__view v) { return ft__uri_is_valid(v, true, false); }
static bool ft__format_iri(ft__view v) { return ft__uri_is_valid(v, false, true); }
static bool ft__format_iri_reference(ft__view v) { return ft__uri_is_valid(v, true, true); }

static void ft__uri_add(ft__buf *out, const char *before, ft__view part, const char *after) {
    if (!part.text) return;
    ft__buf_text(out, before);
    ft__buf_add(out, part.text, part.n);
    ft__buf_text(out, after);
}

/* Appends a path without its "." and ".." (RFC 3986, 5.2.4). */
static void ft__uri_add_path(ft__buf *out, ft__view path) {
    size_t root = out->len;
    for (const char *p = path.text, *end = p + path.n; p < end;) {
        const char *start = p;
        if (*p == '/') p++;
        ft__view segment = ft__format_part(p, p);
        while (p < end && *p != '/') p++;
        segment.n = (size_t)(p - segment.text);
        bool up = segment.n == 2 && memcmp(segment.text, "..", 2) == 0;
        if (!up && !(segment.n == 1 && *segment.text == '.')) {
            ft__buf_add(out, start, (size_t)(p - start));
            continue;
        }
        while (up && out->len > root && out->data[--out->len] != '/') continue;
        if (p < end && *start != '/') p++;
        else if (p == end && *start == '/') ft__buf_byte(out, '/');
    }
}

FT__PRIV void ft__uri_resolve(ft__view base_text, ft__view reference, ft__buf *out) {
    ft__uri base = ft__uri_split(base_text), u = ft__uri_split(reference);
    ft__uri_add(out, "", u.scheme.text ? u.scheme : base.scheme, ":");
    if (u.scheme.text || u.authority.text) {
        ft__uri_add(out, "//", u.authority, "");
        ft__uri_add_path(out, u.path);
    } else {
        ft__uri_add(out, "//", base.authority, "");
        if (u.path.n == 0) {
            ft__buf_add(out, base.path.text, base.path.n);
            if (!u.query.text) u.query = base.query;
        } else if (*u.path.text == '/') {
            ft__uri_add_path(out, u.path);
        } else {
            ft__buf merged;
            size_t n = base.path.n;
            ft__buf_init(&merged, &out->allocator);
            while (n && base.path.text[n - 1] != '/') n--;
            if (base.authority.text && !base.path.n) ft__buf_byte(&merged, '/');
            ft__buf_add(&merged, base.path.text, n);
            ft__buf_add(&merged, u.path.text, u.path.n);
            ft__uri_add_path(out, ft__format_part(merged.data, merged.data + merged.len));
            if (merged.failed) out->failed = true;
            ft__buf_free(&merged);
        }
    }
    ft__uri_add(out, "?", u.query, "");
    ft__uri_add(out, "#", u.fragment, "");
}

/* ---- the table */

FT__PRIV const ft__schema_format *ft__schema_format_find(ft__view name) {
    static const ft__schema_format formats[] = {
        {"date", ft__format_date},
        {"time", ft__format_time},
        {"date-time", ft__format_date_time},
        {"duration", ft__format_duration},
        {"email", ft__format_email},
        {"idn-email", ft__format_idn_email},
        {"hostname", ft__format_hostname},
        {"ipv4", ft__format_ipv4},
        {"ipv6", ft__format_ipv6},
        {"uri", ft__format_uri},
        {"uri-reference", ft__format_uri_reference},
        {"iri", ft__format_iri},
        {"iri-reference", ft__format_iri_reference},
        {"uri-template", ft__format_uri_template},
        {"uuid", ft__format_uuid},
        {"json-pointer", ft__format_json_pointer},
        {"relative-json-pointer", ft__format_relative_pointer},
        {"regex", NULL},
    };
    for (size_t i = 0; i < FT__COUNT(formats); i++)
        if (ft__text_is(name, formats[i].name))
            return &formats[i];
    return NULL;
}
