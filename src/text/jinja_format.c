/* Python's ways to format: '%s' % x, '{}'.format(x), and strftime.  All three walk a format and put the
   pieces to the output. */
#include "jinja.h"

/* How one value is to look. */
typedef struct ft__jfmt {
    uint32_t fill;
    char align;     /* < > ^ =, or 0: as the type wants it */
    char sign;      /* + or blank or 0 */
    char grouping;  /* , or _ or 0 */
    bool alternate;
    int width, precision; /* precision -1: none */
    char type;      /* 0: none */
} ft__jfmt;

static void ft__jfmt_init(ft__jfmt *f) {
    memset(f, 0, sizeof *f);
    f->fill = ' ';
    f->precision = -1;
}

/* ---- padding */

/* The output from `start` on is one piece: brought to the width.  `align` is the type's own. */
static void ft__jfmt_pad(ft__jinja *r, const ft__jfmt *f, size_t start, char align) {
    ft__jv piece = ft__jinja_take(r, start);
    if (r->status) return;
    const ft__jstr *s = piece.as.s;
    char where = f->align ? f->align : align;
    if (where == '=') { /* between sign and digits */
        bool sign = s->len && strchr("+- ", s->data[0]);
        size_t n = sign ? 1 : 0;
        if (s->len > n + 1 && s->data[n] == '0' && s->data[n + 1] > '9') n += 2; /* 0x */
        ft__jinja_put(r, s->data, n);
        for (int64_t i = (int64_t)s->chars; i < f->width && !r->status; i++) ft__jinja_put_char(r, f->fill);
        ft__jinja_put(r, s->data + n, s->len - n);
        return;
    }
    int64_t more = f->width - (int64_t)s->chars;
    if (more < 0) more = 0;
    int64_t before = where == '<' ? 0 : where == '>' ? more : more / 2;
    for (int64_t i = 0; i < before && !r->status; i++) ft__jinja_put_char(r, f->fill);
    ft__jinja_put(r, s->data, s->len);
    for (int64_t i = before; i < more && !r->status; i++) ft__jinja_put_char(r, f->fill);
}

/* ---- numbers */

static void ft__jfmt_radix(ft__jinja *r, const ft__jfmt *f, uint64_t value) {
    char text[68], *p = text + sizeof text, type = (char)(f->type | 32);
    unsigned base = type == 'x' ? 16 : type == 'o' ? 8 : 2;
    const char *digits = f->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    do *--p = digits[value % base]; while (value /= base);
    if (f->alternate) ft__jinja_put(r, "0", 1), ft__jinja_put(r, &f->type, 1);
    ft__jinja_put(r, p, (size_t)(text + sizeof text - p));
}

/* Puts separators into the digits at the beginning of the output from `start` on. */
static void ft__jfmt_group(ft__jinja *r, const ft__jfmt *f, size_t start) {
    ft__jv piece = ft__jinja_take(r, start);
    if (r->status) return;
    const ft__jstr *s = piece.as.s;
    size_t n = 0, by = f->type && strchr("xXob", f->type) ? 4 : 3;
    while (n < s->len && strchr("0123456789abcdefABCDEF", s->data[n]) && (by == 4 || s->data[n] <= '9')) n++;
    for (size_t i = 0; i < n; i++) {
        if (i && (n - i) % by == 0) ft__jinja_put(r, &f->grouping, 1);
        ft__jinja_put(r, s->data + i, 1);
    }
    ft__jinja_put(r, s->data + n, s->len - n);
}

static void ft__jfmt_float(ft__jinja *r, const ft__jfmt *f, double value) {
    char type = f->type == 'n' ? 'g' : f->type;
    if (type == '%') {
        ft__jinja_put_float(r, value * 100, 'f', f->precision < 0 ? 6 : f->precision, f->alternate);
        ft__jinja_put(r, "%", 1);
    } else if (!type && f->precision < 0) {
        ft__jinja_put_float(r, value, 0, 0, false);
    } else {
        ft__jinja_put_float(r, value, type ? type : 'g', f->precision < 0 ? 6 : f->precision, f->alternate);
    }
}

/* With its sign first, padded. */
static void ft__jfmt_number(ft__jinja *r, const ft__jfmt *f, ft__jv v) {
    size_t start = r->out.len;
    bool as_float = v.type == FT__JV_FLOAT || (f->type && strchr("eEfFgG%", f->type));
    bool negative = false;
    double value = as_float ? ft__jinja_to_double(r, v) : 0;
    if (as_float) negative = value < 0 || (value == 0 && 1 / value < 0);
    else negative = v.type == FT__JV_BIG ? v.as.big->negative : v.as.i < 0;
    if (negative) ft__jinja_put(r, "-", 1);
    else if (f->sign) ft__jinja_put(r, &f->sign, 1);
    size_t digits = r->out.len;
    if (as_float) {
        ft__jfmt_float(r, f, negative ? -value : value);
    } else if (f->type && strchr("xXob", f->type)) {
        if (v.type == FT__JV_BIG) ft__jinja_error(r, "an integer this large is only printed in decimal");
        else ft__jfmt_radix(r, f, v.as.i < 0 ? 0 - (uint64_t)v.as.i : (uint64_t)v.as.i);
    } else {
        ft__jv magnitude = negative ? ft__jinja_negate(r, v) : v;
        if (magnitude.type == FT__JV_BOOL) magnitude.type = FT__JV_INT;
        size_t before = r->out.len;
        ft__jinja_put_number(r, magnitude);
        if (f->precision > 0 && !f->grouping && !r->status) { /* %.5d: leading zeros */
            ft__jv text = ft__jinja_take(r, before);
            for (int64_t i = r->status ? f->precision : (int64_t)text.as.s->len; i < f->precision; i++)
                ft__jinja_put(r, "0", 1);
            ft__jinja_put_value(r, text);
        }
    }
    if (f->grouping) ft__jfmt_group(r, f, digits);
    ft__jfmt_pad(r, f, start, '>');
}

static void ft__jfmt_text(ft__jinja *r, const ft__jfmt *f, ft__jv v, bool repr) {
    size_t start = r->out.len;
    if (repr) ft__jinja_put_repr(r, v);
    else ft__jinja_put_value(r, v);
    ft__jv text = ft__jinja_take(r, start);
    if (r->status) return;
    size_t n = text.as.s->len;
    if (f->precision >= 0) n = ft__jinja_offset(text.as.s, (size_t)f->precision);
    ft__jinja_put(r, text.as.s->data, n);
    ft__jfmt_pad(r, f, start, '<');
}

static void ft__jfmt_char(ft__jinja *r, const ft__jfmt *f, ft__jv v) {
    size_t start = r->out.len;
    int64_t c = 0;
    if (v.type == FT__JV_STR && v.as.s->chars == 1) ft__jinja_put_value(r, v);
    else if (ft__jinja_index(r, v, "%c requires int or char", &c)) {
        if (c < 0 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
            ft__jinja_error(r, "%%c argument is no character");
        else ft__jinja_put_char(r, (uint32_t)c);
    }
    ft__jfmt_pad(r, f, start, '<');
}

/* ---- '%s' % x */

typedef struct ft__jfmt_walk {
    const char *p, *end;
    const ft__jv *items;
    size_t n, at;
    ft__jv all; /* the right side itself */
} ft__jfmt_walk;

static ft__jv ft__jfmt_next(ft__jinja *r, ft__jfmt_walk *w) {
    if (w->at < w->n) return w->items[w->at++];
    ft__jinja_error(r, "not enough arguments for format string");
    return ft__jinja_none();
}

/* Digits or '*'. */
static int ft__jfmt_count(ft__jinja *r, ft__jfmt_walk *w) {
    int64_t n = 0;
    if (w->p < w->end && *w->p == '*') {
        w->p++;
        ft__jinja_index(r, ft__jfmt_next(r, w), "* wants int", &n);
    } else {
        for (; w->p < w->end && *w->p >= '0' && *w->p <= '9' && n < 100000000; w->p++) n = n * 10 + (*w->p - '0');
    }
    if (n > 1000000 || n < -1000000) ft__jinja_error(r, "width or precision too big");
    return r->status ? 0 : (int)n;
}

/* "(name)": that value of the dictionary; else MISSING. */
static ft__jv ft__jfmt_named(ft__jinja *r, ft__jfmt_walk *w) {
    if (w->p == w->end || *w->p != '(') return ft__jinja_value(FT__JV_MISSING);
    const char *name = ++w->p;
    for (int depth = 1; w->p < w->end; w->p++) {
        depth += *w->p == '(' ? 1 : *w->p == ')' ? -1 : 0;
        if (depth == 0) break;
    }
    if (w->p == w->end) ft__jinja_error(r, "incomplete format key");
    else if (w->all.type != FT__JV_DICT) ft__jinja_error(r, "format requires a mapping");
    if (r->status) return w->all;
    ft__jv key = ft__jinja_str(r, name, (size_t)(w->p++ - name));
    const ft__jv *found = r->status ? NULL : ft__jinja_dict_name(w->all.as.dict, key.as.s);
    if (!found && !r->status)
        ft__jinja_error(r, "KeyError: '%.*s'", (int)(key.as.s->len < 200 ? key.as.s->len : 200), name);
    return found ? *found : w->all;
}

static void ft__jfmt_directive(ft__jinja *r, ft__jfmt_walk *w) {
    ft__jfmt f;
    ft__jfmt_init(&f);
    ft__jv named = ft__jfmt_named(r, w);
    for (bool zero = false;; w->p++) {
        char c = w->p < w->end ? *w->p : 0;
        if (c == '-') f.align = '<', f.fill = ' ';
        else if (c == '+' || (c == ' ' && f.sign != '+')) f.sign = c;
        else if (c == '#') f.alternate = true;
        else if (c == '0') zero = true;
        else if (c != ' ') {
            if (zero && f.align != '<') f.align = '=', f.fill = '0';
            break;
        }
    }
    f.width = ft__jfmt_count(r, w);
    if (f.width < 0) f.width = -f.width, f.align = '<', f.fill = ' ';
    if (w->p < w->end && *w->p == '.') {
        w->p++;
        f.precision = ft__jfmt_count(r, w);
        if (f.precision < 0) f.precision = 0;
    }
    while (w->p < w->end && strchr("hlL", *w->p) && *w->p) w->p++;
    char type = w->p < w->end ? *w->p++ : 0;
    if (r->status) return;
    if (type == '%') {
        ft__jinja_put(r, "%", 1);
        return;
    }
    if (!type || !strchr("srdiouxXcfFeEgGa", type)) {
        ft__jinja_error(r, type ? "unsupported format character '%c'" : "incomplete format%c", type ? type : '.');
        return;
    }
    ft__jv v = named.type != FT__JV_MISSING ? named : ft__jfmt_next(r, w);
    if (r->status) return;
    if (strchr("sra", type)) {
        if (f.align == '=') f.align = '>', f.fill = ' ';
        if (!f.align) f.align = '>';
        ft__jfmt_text(r, &f, v, type != 's');
        return;
    }
    if (type == 'c') {
        if (!f.align || f.align == '=') f.align = '>', f.fill = ' ';
        ft__jfmt_char(r, &f, v);
        return;
    }
    if (v.type == FT__JV_UNDEFINED) ft__jinja_fail_undefined(r, v);
    bool is_float = strchr("fFeEgG", type) != NULL;
    if (!ft__jinja_is_number(v) || (strchr("oxX", type) && v.type == FT__JV_FLOAT)) {
        ft__jinja_error(r, "%%%c format: a number is required, not %s", type, ft__jinja_type_name(v));
        return;
    }
    if (!is_float && v.type == FT__JV_FLOAT) v = ft__jinja_int_of_double(r, v.as.f);
    f.type = strchr("diu", type) ? 'd' : type;
    ft__jfmt_number(r, &f, v);
}

FT__PRIV ft__jv ft__jinja_percent(ft__jinja *r, ft__jv format, ft__jv args) {
    size_t start = r->out.len;
    ft__jfmt_walk w;
    memset(&w, 0, sizeof w);
    w.p = format.as.s->data;
    w.end = w.p + format.as.s->len;
    w.all = args;
    w.items = args.type == FT__JV_TUPLE ? args.as.list->items : &args;
    w.n = args.type == FT__JV_TUPLE ? args.as.list->n : 1;
    while (w.p < w.end && !r->status) {
        const char *run = w.p;
        while (w.p < w.end && *w.p != '%') w.p++;
        ft__jinja_put(r, run, (size_t)(w.p - run));
        if (w.p == w.end) break;
        w.p++;
        ft__jfmt_directive(r, &w);
    }
    /* what has items is taken for a mapping, of which nothing need be used */
    bool any = args.type == FT__JV_DICT || args.type == FT__JV_LIST || args.type == FT__JV_RANGE ||
        args.type == FT__JV_UNDEFINED;
    if (w.at < w.n && !any) ft__jinja_error(r, "not all arguments converted during string formatting");
    ft__jv out = ft__jinja_take(r, start);
    out.flag = format.flag;
    return out;
}

/* ---- '{}'.format(x) */

/* [[fill]align][sign][#][0][width][,][.precision][type] */
static bool ft__jfmt_parse_spec(ft__jinja *r, const char *p, const char *end, ft__jfmt *f) {
    const char *next = p;
    ft__jfmt_init(f);
    uint32_t fill = p < end ? ft__utf8_next(&next, end) : 0;
    if (next < end && strchr("<>^=", *next) && *next) f->fill = fill, f->align = *next, p = next + 1;
    else if (p < end && *p && strchr("<>^=", *p)) f->align = *p++;
    if (p < end && (*p == '+' || *p == '-' || *p == ' ')) f->sign = *p == '-' ? 0 : *p, p++;
    if (p < end && *p == '#') f->alternate = true, p++;
    if (p < end && *p == '0') {
        if (!f->align) f->align = '=', f->fill = '0';
        p++;
    }
    for (; p < end && *p >= '0' && *p <= '9' && f->width < 1000000; p++) f->width = f->width * 10 + (*p - '0');
    if (p < end && (*p == ',' || *p == '_')) f->grouping = *p++;
    if (p < end && *p == '.') {
        f->precision = 0;
        for (p++; p < end && *p >= '0' && *p <= '9' && f->precision < 1000000; p++)
            f->precision = f->precision * 10 + (*p - '0');
    }
    if (p < end && *p && strchr("bcdeEfFgGnosxX%", *p)) f->type = *p++;
    return p == end || ft__jinja_error(r, "invalid format specifier");
}

static void ft__jfmt_field_value(ft__jinja *r, ft__jv v, const char *spec, const char *end) {
    ft__jfmt f;
    if (spec == end) {
        ft__jinja_put_value(r, v);
        return;
    }
    if (!ft__jfmt_parse_spec(r, spec, end, &f)) return;
    if (v.type == FT__JV_STR) {
        if (f.align == '=' && f.fill == '0') f.align = '<';
        if ((f.type && f.type != 's') || f.align == '=') ft__jinja_error(r, "invalid format specifier for 'str'");
        ft__jfmt_text(r, &f, v, false);
        return;
    }
    bool is_int = ft__jinja_is_int(v) && (v.type != FT__JV_BOOL || f.type || f.width == 0);
    if (!ft__jinja_is_number(v) || (v.type == FT__JV_FLOAT && f.type && strchr("bcdosxX", f.type)) ||
        f.type == 's') {
        ft__jinja_error(r, "unsupported format string passed to %s.__format__", ft__jinja_type_name(v));
        return;
    }
    if (f.type == 'c') ft__jfmt_char(r, &f, v);
    else if (is_int && f.precision >= 0 && !(f.type && strchr("eEfFgG%", f.type)))
        ft__jinja_error(r, "precision not allowed in integer format specifier");
    else ft__jfmt_number(r, &f, v);
}

/* The argument that a field names: "", "0", "name", and ".attribute" and "[item]" behind. */
static ft__jv ft__jfmt_field(ft__jinja *r, const ft__jargs *args, const char *p, const char *end,
                             int64_t *counter) {
    const char *name = p;
    ft__jv v = ft__jinja_value(FT__JV_MISSING);
    int64_t index = 0;
    while (p < end && *p != '.' && *p != '[') p++;
    bool digits = true;
    for (const char *d = name; d < p; d++) {
        digits = digits && *d >= '0' && *d <= '9';
        if (digits && index < 1000000) index = index * 10 + (*d - '0');
    }
    if (digits) {
        if (p == name) index = (*counter)++;
        if ((size_t)index < args->n) v = args->items[index];
        else ft__jinja_error(r, "Replacement index %d out of range for positional args tuple", (int)index);
    } else {
        for (size_t i = 0; i < args->n_named; i++)
            if (ft__text_equal(args->named[i].name->data, args->named[i].name->len, name, (size_t)(p - name)))
                v = args->named[i].value;
        if (v.type == FT__JV_MISSING)
            ft__jinja_error(r, "KeyError: '%.*s'", (int)(p - name < 200 ? p - name : 200), name);
    }
    while (p < end && !r->status) {
        char close = *p == '[' ? ']' : 0;
        const char *part = ++p;
        while (p < end && (close ? *p != close : *p != '.' && *p != '[')) p++;
        ft__jv key = ft__jinja_str(r, part, (size_t)(p - part)), number;
        if (close && !r->status && ft__jinja_parse_int(r, key.as.s, 10, &number)) key = number;
        if (!r->status) v = close ? ft__jinja_item(r, v, key) : ft__jinja_attr(r, v, key.as.s);
        if (close && p < end) p++;
    }
    return v;
}

FT__PRIV ft__jv ft__jinja_format(ft__jinja *r, ft__jv format, const ft__jargs *args) {
    const char *p = format.as.s->data, *end = p + format.as.s->len;
    size_t start = r->out.len;
    int64_t counter = 0;
    while (p < end && !r->status) {
        const char *run = p;
        while (p < end && *p != '{' && *p != '}') p++;
        ft__jinja_put(r, run, (size_t)(p - run));
        if (p == end) break;
        if (p + 1 < end && p[1] == *p) {
            ft__jinja_put(r, p, 1);
            p += 2;
            continue;
        }
        const char *name = p + 1, *close = name;
        while (close < end && *close != '}' && *close != '{') close++;
        if (*p == '}' || close == end || *close == '{') {
            ft__jinja_error(r, "%s in format string",
                            *p == '}' ? "Single '}'" : close == end ? "expected '}'" : "nested '{'");
            break;
        }
        const char *spec = name, *stop;
        while (spec < close && *spec != ':' && *spec != '!') spec++;
        stop = spec;
        char convert = spec + 1 < close && *spec == '!' ? spec[1] : 0;
        if (convert) spec += 2;
        if (spec < close && *spec == ':') spec++;
        ft__jv v = ft__jfmt_field(r, args, name, stop, &counter);
        if (convert == 's' && !r->status) v = ft__jinja_to_str(r, v);
        if (convert == 'r' && !r->status) {
            size_t at = r->out.len;
            ft__jinja_put_repr(r, v);
            v = ft__jinja_take(r, at);
        }
        if (!r->status) ft__jfmt_field_value(r, v, spec, close);
        p = close + 1;
    }
    ft__jv out = ft__jinja_take(r, start);
    out.flag = format.flag;
    return out;
}

/* ---- strftime, in the C locale */

typedef struct ft__jtime {
    int year, month, day, hour, minute, second;
    int weekday, yearday; /* Sunday 0; 0 .. 365 */
} ft__jtime;

static bool ft__jtime_number(const char **p, int n, char after, int *value) {
    *value = 0;
    for (; n > 0; n--, ++*p) {
        if (**p < '0' || **p > '9') return false;
        *value = *value * 10 + (**p - '0');
    }
    if (!after) return true;
    return *(*p)++ == after;
}

static bool ft__jtime_leap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

/* "2026-03-14T15:09:26", perhaps with a blank for the T, perhaps the date alone. */
static bool ft__jtime_parse(const char *p, ft__jtime *t) {
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    memset(t, 0, sizeof *t);
    if (!ft__jtime_number(&p, 4, '-', &t->year) || !ft__jtime_number(&p, 2, '-', &t->month) ||
        !ft__jtime_number(&p, 2, 0, &t->day))
        return false;
    if (*p == 'T' || *p == ' ') {
        p++;
        if (!ft__jtime_number(&p, 2, ':', &t->hour) || !ft__jtime_number(&p, 2, ':', &t->minute) ||
            !ft__jtime_number(&p, 2, 0, &t->second))
            return false;
    }
    if (*p || t->year < 1 || t->month < 1 || t->month > 12 || t->day < 1 || t->hour > 23 || t->minute > 59 ||
        t->second > 59)
        return false;
    bool leap = ft__jtime_leap(t->year);
    if (t->day > days[t->month - 1] + (leap && t->month == 2)) return false;
    t->yearday = before[t->month - 1] + t->day - 1 + (leap && t->month > 2);
    int y = t->year - 1;
    t->weekday = (1 + y + y / 4 - y / 100 + y / 400 + t->yearday) % 7; /* 0001-01-01 was a Monday */
    return true;
}

/* ISO 8601: the week with the year's first Thursday is the first. */
static int ft__jtime_iso_week(const ft__jtime *t, int *year) {
    int monday = (t->weekday + 6) % 7, week = (t->yearday - monday + 10) / 7;
    *year = t->year;
    if (week < 1) { /* the last one of the year before */
        --*year;
        int last = t->yearday + 365 + ft__jtime_leap(*year);
        return (last - monday + 10) / 7;
    }
    int days = 365 + ft__jtime_leap(t->year);
    if (week == 53 && t->yearday - monday + 3 >= days) {
        ++*year;
        return 1;
    }
    return week;
}

static const char *const ft__jtime_days[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
                                             "Saturday"};
static const char *const ft__jtime_months[] = {"January", "February", "March", "April", "May", "June", "July",
                                               "August", "September", "October", "November", "December"};

/* One directive; those that stand for several are spelled out.  False: unknown. */
static bool ft__jtime_put(ft__jinja *r, const ft__jtime *t, char c, bool plain) {
    static const char *const together[] = {"c%a %b %e %H:%M:%S %Y", "D%m/%d/%y", "F%Y-%m-%d", "R%H:%M", "T%H:%M:%S",
                                           "X%H:%M:%S", "r%I:%M:%S %p", "x%m/%d/%y", "h%b"};
    char text[32] = "";
    int twelve = t->hour % 12 ? t->hour % 12 : 12, year, week = ft__jtime_iso_week(t, &year);
    const char *two = plain ? "%d" : "%02d";
    for (size_t i = 0; i < FT__COUNT(together); i++) {
        if (together[i][0] != c) continue;
        for (const char *p = together[i] + 1; *p; p++) {
            if (*p == '%') ft__jtime_put(r, t, *++p, false);
            else ft__jinja_put(r, p, 1);
        }
        return true;
    }
    switch (c) {
    case 'a': snprintf(text, sizeof text, "%.3s", ft__jtime_days[t->weekday]); break;
    case 'A': snprintf(text, sizeof text, "%s", ft__jtime_days[t->weekday]); break;
    case 'b': snprintf(text, sizeof text, "%.3s", ft__jtime_months[t->month - 1]); break;
    case 'B': snprintf(text, sizeof text, "%s", ft__jtime_months[t->month - 1]); break;
    case 'C': snprintf(text, sizeof text, two, t->year / 100); break;
    case 'd': snprintf(text, sizeof text, two, t->day); break;
    case 'e': snprintf(text, sizeof text, plain ? "%d" : "%2d", t->day); break;
    case 'f': snprintf(text, sizeof text, "000000"); break;
    case 'g': snprintf(text, sizeof text, two, year % 100); break;
    case 'G': snprintf(text, sizeof text, "%d", year); break;
    case 'H': snprintf(text, sizeof text, two, t->hour); break;
    case 'I': snprintf(text, sizeof text, two, twelve); break;
    case 'j': snprintf(text, sizeof text, plain ? "%d" : "%03d", t->yearday + 1); break;
    case 'k': snprintf(text, sizeof text, plain ? "%d" : "%2d", t->hour); break;
    case 'l': snprintf(text, sizeof text, plain ? "%d" : "%2d", twelve); break;
    case 'm': snprintf(text, sizeof text, two, t->month); break;
    case 'M': snprintf(text, sizeof text, two, t->minute); break;
    case 'n': snprintf(text, sizeof text, "\n"); break;
    case 'p': snprintf(text, sizeof text, "%s", t->hour < 12 ? "AM" : "PM"); break;
    case 'P': snprintf(text, sizeof text, "%s", t->hour < 12 ? "am" : "pm"); break;
    case 'S': snprintf(text, sizeof text, two, t->second); break;
    case 't': snprintf(text, sizeof text, "\t"); break;
    case 'u': snprintf(text, sizeof text, "%d", t->weekday ? t->weekday : 7); break;
    case 'U': snprintf(text, sizeof text, two, (t->yearday + 7 - t->weekday) / 7); break;
    case 'V': snprintf(text, sizeof text, two, week); break;
    case 'w': snprintf(text, sizeof text, "%d", t->weekday); break;
    case 'W': snprintf(text, sizeof text, two, (t->yearday + 7 - (t->weekday + 6) % 7) / 7); break;
    case 'y': snprintf(text, sizeof text, two, t->year % 100); break;
    case 'Y': snprintf(text, sizeof text, "%d", t->year); break;
    case 'z': /* a time without a zone */
    case 'Z': break;
    case '%': snprintf(text, sizeof text, "%%"); break;
    default: return false;
    }
    ft__jinja_puts(r, text);
    return true;
}

FT__PRIV ft__jv ft__jinja_strftime(ft__jinja *r, const ft__jstr *format) {
    ft__jtime t;
    size_t start = r->out.len;
    const char *p = format->data, *end = p + format->len;
    if (!r->now) ft__jinja_error(r, "strftime_now asks for the time, and none was given");
    else if (!ft__jtime_parse(r->now, &t))
        ft__jinja_error(r, "the time is \"%.40s\", expected one like 2026-03-14T15:09:26", r->now);
    while (p < end && !r->status) {
        const char *run = p;
        while (p < end && *p != '%') p++;
        ft__jinja_put(r, run, (size_t)(p - run));
        if (p + 1 >= end) {
            ft__jinja_put(r, p, (size_t)(end - p));
            break;
        }
        bool plain = p[1] == '-' && p + 2 < end; /* %-d: without leading zeros */
        char c = p[plain ? 2 : 1];
        if (!ft__jtime_put(r, &t, c, plain))
            ft__jinja_error(r, "strftime has no %%%c here", c > 32 && c < 127 ? c : '?');
        p += plain ? 3 : 2;
    }
    return ft__jinja_take(r, start);
}
