/* What a text is worth as a number, by the rules of inspect_ai (UK AI Security Institute, commit
   499e6152e7).

   A text is a number if Python's float() reads it and it is finite, or else if it is one of: digits
   of any script with group marks, where a lone comma before one to three digits is the decimal
   mark; a Roman or other single numeral; a whole number and a vulgar fraction; a Chinese numeral
   below 10^16; each with signs before it and perhaps a power in superscript behind it.  "60%",
   "5km", "1/2", "nan" are none.

   Known limits: no number words ("twenty"), no ratios, no units; of the numeric characters beyond
   U+FFFF and the ideographs that are no ordinary numerals only decimal digits are known. */
#include "numbers.h"

/* ---- what characters are worth */

typedef struct ft__numbers_row { /* count characters worth (value + i * step) / divisor */
    uint16_t first, count;
    int32_t value, step, divisor;
    bool digit; /* Python's isdigit(), such as superscripts */
} ft__numbers_row;

static const ft__numbers_row ft__numbers_rows[] = {
    {0xB2, 2, 2, 1, 1, 1}, {0xB9, 1, 1, 0, 1, 1}, {0xBC, 3, 1, 1, 4, 0}, {0x9F4, 4, 1, 1, 16, 0},
    {0x9F8, 2, 3, 61, 4, 0}, {0xB72, 3, 1, 1, 4, 0}, {0xB75, 3, 1, 1, 16, 0},
    {0xBF0, 2, 10, 90, 1, 0}, {0xBF2, 1, 1000, 0, 1, 0}, {0xC78, 4, 0, 1, 1, 0},
    {0xC7C, 3, 1, 1, 1, 0}, {0xD58, 2, 1, 3, 160, 0}, {0xD5A, 2, 3, 1, 80, 0},
    {0xD5C, 3, 2, 1, 20, 0}, {0xD70, 2, 10, 90, 1, 0}, {0xD72, 2, 4000, -3999, 4, 0},
    {0xD74, 2, 2, 1, 4, 0}, {0xD76, 3, 1, 1, 16, 0}, {0xF2A, 9, 1, 2, 2, 0},
    {0xF33, 1, -1, 0, 2, 0}, {0x1369, 9, 1, 1, 1, 1}, {0x1372, 10, 10, 10, 1, 0},
    {0x137C, 1, 10000, 0, 1, 0}, {0x16EE, 3, 17, 1, 1, 0}, {0x17F0, 10, 0, 1, 1, 0},
    {0x19DA, 1, 1, 0, 1, 1}, {0x2070, 1, 0, 0, 1, 1}, {0x2074, 6, 4, 1, 1, 1},
    {0x2080, 10, 0, 1, 1, 1}, {0x2150, 2, 9, -2, 63, 0}, {0x2152, 2, 3, 7, 30, 0},
    {0x2154, 2, 10, -7, 15, 0}, {0x2156, 3, 2, 1, 5, 0}, {0x2159, 2, 1, 4, 6, 0},
    {0x215B, 4, 1, 2, 8, 0}, {0x215F, 2, 1, 0, 1, 0}, {0x2161, 11, 2, 1, 1, 0},
    {0x216C, 2, 50, 50, 1, 0}, {0x216E, 2, 500, 500, 1, 0}, {0x2170, 12, 1, 1, 1, 0},
    {0x217C, 2, 50, 50, 1, 0}, {0x217E, 2, 500, 500, 1, 0}, {0x2180, 2, 1000, 4000, 1, 0},
    {0x2182, 1, 10000, 0, 1, 0}, {0x2185, 2, 6, 44, 1, 0}, {0x2187, 2, 50000, 50000, 1, 0},
    {0x2189, 1, 0, 0, 1, 0}, {0x2460, 9, 1, 1, 1, 1}, {0x2469, 11, 10, 1, 1, 0},
    {0x2474, 9, 1, 1, 1, 1}, {0x247D, 11, 10, 1, 1, 0}, {0x2488, 9, 1, 1, 1, 1},
    {0x2491, 11, 10, 1, 1, 0}, {0x24EA, 1, 0, 0, 1, 1}, {0x24EB, 10, 11, 1, 1, 0},
    {0x24F5, 9, 1, 1, 1, 1}, {0x24FE, 1, 10, 0, 1, 0}, {0x24FF, 1, 0, 0, 1, 1},
    {0x2776, 9, 1, 1, 1, 1}, {0x277F, 1, 10, 0, 1, 0}, {0x2780, 9, 1, 1, 1, 1},
    {0x2789, 1, 10, 0, 1, 0}, {0x278A, 9, 1, 1, 1, 1}, {0x2793, 1, 10, 0, 1, 0},
    {0x2CFD, 1, 1, 0, 2, 0}, {0x3021, 9, 1, 1, 1, 0}, {0x3038, 3, 10, 10, 1, 0},
    {0x3192, 4, 1, 1, 1, 0}, {0x3220, 10, 1, 1, 1, 0}, {0x3248, 8, 10, 10, 1, 0},
    {0x3251, 15, 21, 1, 1, 0}, {0x3280, 10, 1, 1, 1, 0}, {0x32B1, 15, 36, 1, 1, 0},
    {0xA6E6, 9, 1, 1, 1, 0}, {0xA6EF, 1, 0, 0, 1, 0}, {0xA830, 3, 1, 1, 4, 0},
    {0xA833, 3, 1, 1, 16, 0},
};

typedef enum ft__han_kind {
    FT__HAN_NONE, FT__HAN_DIGIT, FT__HAN_TENS, FT__HAN_POWER, FT__HAN_POINT, FT__HAN_MINUS,
    FT__HAN_PLUS
} ft__han_kind;

typedef struct ft__han_row { /* POWER: of ten */
    uint16_t c;
    ft__han_kind kind;
    int value;
} ft__han_row;

static const ft__han_row ft__han_rows[] = {
    {0x25CB, FT__HAN_DIGIT, 0}, {0x3007, FT__HAN_DIGIT, 0}, {0x4E00, FT__HAN_DIGIT, 1},
    {0x4E03, FT__HAN_DIGIT, 7}, {0x4E07, FT__HAN_POWER, 4}, {0x4E09, FT__HAN_DIGIT, 3},
    {0x4E24, FT__HAN_DIGIT, 2}, {0x4E5D, FT__HAN_DIGIT, 9}, {0x4E8C, FT__HAN_DIGIT, 2},
    {0x4E94, FT__HAN_DIGIT, 5}, {0x4EBF, FT__HAN_POWER, 8}, {0x4EDF, FT__HAN_POWER, 3},
    {0x4F0D, FT__HAN_DIGIT, 5}, {0x4F70, FT__HAN_POWER, 2}, {0x5104, FT__HAN_POWER, 8},
    {0x5146, FT__HAN_POWER, 12}, {0x5169, FT__HAN_DIGIT, 2}, {0x516B, FT__HAN_DIGIT, 8},
    {0x516D, FT__HAN_DIGIT, 6}, {0x5341, FT__HAN_POWER, 1}, {0x5343, FT__HAN_POWER, 3},
    {0x5345, FT__HAN_TENS, 30}, {0x534C, FT__HAN_TENS, 40}, {0x53C1, FT__HAN_DIGIT, 3},
    {0x53C3, FT__HAN_DIGIT, 3}, {0x56DB, FT__HAN_DIGIT, 4}, {0x58F9, FT__HAN_DIGIT, 1},
    {0x5E7A, FT__HAN_DIGIT, 1}, {0x5EFF, FT__HAN_TENS, 20}, {0x62FE, FT__HAN_POWER, 1},
    {0x634C, FT__HAN_DIGIT, 8}, {0x67D2, FT__HAN_DIGIT, 7}, {0x6B63, FT__HAN_PLUS, 0},
    {0x70B9, FT__HAN_POINT, 0}, {0x7396, FT__HAN_DIGIT, 9}, {0x767E, FT__HAN_POWER, 2},
    {0x8086, FT__HAN_DIGIT, 4}, {0x842C, FT__HAN_POWER, 4}, {0x8CA0, FT__HAN_MINUS, 0},
    {0x8CB3, FT__HAN_DIGIT, 2}, {0x8D1F, FT__HAN_MINUS, 0}, {0x8D30, FT__HAN_DIGIT, 2},
    {0x9646, FT__HAN_DIGIT, 6}, {0x9678, FT__HAN_DIGIT, 6}, {0x96F6, FT__HAN_DIGIT, 0},
    {0x9EDE, FT__HAN_POINT, 0},
};

static ft__han_row ft__han_of(uint32_t c) {
    static const ft__han_row none = {0, FT__HAN_NONE, 0};
    size_t low = 0, high = FT__COUNT(ft__han_rows);
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (ft__han_rows[middle].c <= c) low = middle;
        else high = middle;
    }
    return ft__han_rows[low].c == c ? ft__han_rows[low] : none;
}

/* In every script the ten digits stand in order, from 0 on. */
FT__PRIV int ft__numbers_decimal_of(uint32_t c) {
    uint32_t first = c;
    if (c < 0x80) return c >= '0' && c <= '9' ? (int)(c - '0') : -1;
    if (ft__char_class_of(c) != FT__UNICODE_ND) return -1;
    while (ft__char_class_of(first - 1) == FT__UNICODE_ND) first--;
    return (int)((c - first) % 10);
}

static const ft__numbers_row *ft__numbers_find(uint32_t c) {
    size_t low = 0, high = FT__COUNT(ft__numbers_rows);
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (ft__numbers_rows[middle].first <= c) low = middle;
        else high = middle;
    }
    /* wraps where c comes before */
    return c - ft__numbers_rows[low].first < ft__numbers_rows[low].count ? &ft__numbers_rows[low]
                                                                         : NULL;
}

/* A digit in the widest sense, 0 to 9; or -1. */
static int ft__numbers_digit(uint32_t c) {
    int decimal = ft__numbers_decimal_of(c);
    if (decimal >= 0 || c < 0x80) return decimal;
    ft__han_row han = ft__han_of(c);
    if (han.kind == FT__HAN_DIGIT) return han.value;
    const ft__numbers_row *row = ft__numbers_find(c);
    return row && row->digit ? row->value + (int)(c - row->first) * row->step : -1;
}

static double ft__numbers_power(int exponent) {
    double power = 1;
    for (; exponent > 0; exponent--) power *= 10;
    return power;
}

/* What a single character is worth, if it is numeric at all. */
static bool ft__numbers_value(uint32_t c, double *value) {
    int decimal = ft__numbers_decimal_of(c);
    *value = decimal;
    if (decimal >= 0 || c < 0x80) return decimal >= 0;
    ft__han_row han = ft__han_of(c);
    *value = han.kind == FT__HAN_POWER ? ft__numbers_power(han.value) : han.value;
    if (han.kind != FT__HAN_NONE) return han.kind <= FT__HAN_POWER;
    const ft__numbers_row *row = ft__numbers_find(c);
    if (!row) return false;
    *value = (double)(row->value + (int)(c - row->first) * row->step) / row->divisor;
    return true;
}

static bool ft__numbers_is_minus(uint32_t c) {
    return c == '-' || c == 0x2212 || c == 0xFE63 || c == 0xFF0D;
}

static bool ft__numbers_is_plus(uint32_t c) { return c == '+' || c == 0xFF0B || c == 0xFE62; }

static bool ft__numbers_is_group(uint32_t c) {
    return c == ',' || c == '\'' || c == 0xFF0C || c == 0xFE50 || c == 0x3001 || c == 0x066C ||
           c == 0x2019 || c == 0x02BC || c == 0xFF07 || ft__is_space(c);
}

/* ---- from a text to a number */

typedef struct ft__chars {
    const uint32_t *c;
    size_t n;
} ft__chars;

FT__PRIV void ft__numbers_init(ft__numbers_reader *x, const ft_allocator *a) {
    memset(x, 0, sizeof *x);
    ft__buf_init(&x->ascii, a);
    ft__buf_init(&x->word, a);
}

FT__PRIV bool ft__numbers_done(ft__numbers_reader *x) {
    bool ok = !x->failed && !x->ascii.failed && !x->word.failed;
    ft__free(&x->ascii.allocator, x->chars);
    ft__buf_free(&x->ascii);
    ft__buf_free(&x->word);
    return ok;
}

static ft__chars ft__chars_strip(ft__chars s) {
    while (s.n && ft__is_space(s.c[0])) s.c++, s.n--;
    while (s.n && ft__is_space(s.c[s.n - 1])) s.n--;
    return s;
}

static ft__chars ft__chars_part(ft__chars s, size_t from, size_t to) {
    ft__chars part;
    part.c = s.c + from;
    part.n = to - from;
    return part;
}

static size_t ft__numbers_skip_digits(const char **p, const char *end) {
    const char *from = *p;
    while (*p < end && **p >= '0' && **p <= '9') ++*p;
    return (size_t)(*p - from);
}

/* x->ascii as float() reads it: a sign, digits with a point, an exponent.  Finite or nothing. */
static bool ft__numbers_read_ascii(ft__numbers_reader *x, double *value) {
    if (x->ascii.failed || x->ascii.len == 0) return false;
    const char *from = x->ascii.data, *end = from + x->ascii.len, *p = from;
    if (*p == '+') from++;
    if (*p == '+' || *p == '-') p++;
    size_t n = ft__numbers_skip_digits(&p, end);
    if (p < end && *p == '.') {
        p++;
        n += ft__numbers_skip_digits(&p, end);
    }
    if (n == 0) return false;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        if (ft__numbers_skip_digits(&p, end) == 0) return false;
    }
    return p == end && ft__number_parse(from, (size_t)(end - from), value);
}

/* float() does not know the separators U+001C to U+001F as white space. */
static bool ft__numbers_float_space(uint32_t c) {
    return ft__is_space(c) && !(c >= 0x1C && c <= 0x1F);
}

/* Python's float(): decimal digits of any script, single underscores between digits. */
static bool ft__numbers_float_chars(ft__numbers_reader *x, ft__chars s, double *value) {
    while (s.n && ft__numbers_float_space(s.c[0])) s.c++, s.n--;
    while (s.n && ft__numbers_float_space(s.c[s.n - 1])) s.n--;
    x->ascii.len = 0;
    for (size_t i = 0; i < s.n; i++) {
        uint32_t c = s.c[i];
        int digit = ft__numbers_decimal_of(c);
        if (digit >= 0) {
            ft__buf_byte(&x->ascii, (char)('0' + digit));
        } else if (c == '_') {
            if (i == 0 || i + 1 == s.n || ft__numbers_decimal_of(s.c[i - 1]) < 0 ||
                ft__numbers_decimal_of(s.c[i + 1]) < 0)
                return false;
        } else if (c == '.' || c == '+' || c == '-' || c == 'e' || c == 'E') {
            ft__buf_byte(&x->ascii, (char)c);
        } else {
            return false;
        }
    }
    return ft__numbers_read_ascii(x, value);
}

/* Chinese digits in a row, as in years. */
static bool ft__han_digits(ft__numbers_reader *x, ft__chars s, double *value) {
    x->ascii.len = 0;
    for (size_t i = 0; i < s.n; i++) {
        int digit = ft__numbers_digit(s.c[i]);
        if (ft__is_space(s.c[i])) continue;
        if (digit < 0) return false;
        ft__buf_byte(&x->ascii, (char)('0' + digit));
    }
    *value = 0;
    return x->ascii.len == 0 || ft__numbers_read_ascii(x, value);
}

/* Each digit counts the ten, hundred or thousand after it; a power of ten thousand multiplies all
   since the last of them. */
static bool ft__han_units(ft__chars s, double *value) {
    uint64_t total = 0, section = 0, number = 0;
    for (size_t i = 0; i < s.n; i++) {
        ft__han_row han = ft__han_of(s.c[i]);
        int digit = ft__numbers_digit(s.c[i]);
        if (section > 1000000 || total > (uint64_t)1 << 62) return false;
        if (han.kind == FT__HAN_TENS) {
            section += (uint64_t)han.value;
        } else if (han.kind == FT__HAN_POWER && han.value < 4) {
            section += (number ? number : 1) * (uint64_t)ft__numbers_power(han.value);
            number = 0;
        } else if (han.kind == FT__HAN_POWER) {
            total += (section + number) * (uint64_t)ft__numbers_power(han.value);
            section = number = 0;
        } else if (digit >= 0) {
            if (digit > 0 || han.kind != FT__HAN_DIGIT) number = (uint64_t)digit;
        } else if (!ft__is_space(s.c[i])) {
            return false;
        }
    }
    *value = (double)(total + section + number);
    return true;
}

static size_t ft__chars_find(ft__chars s, uint32_t c) {
    size_t i = 0;
    while (i < s.n && s.c[i] != c) i++;
    return i;
}

static bool ft__numbers_han(ft__numbers_reader *x, ft__chars s, double *value) {
    static const uint16_t points[] = {0x70B9, 0x9EDE, 0xFF0E, '.'};
    size_t point = s.n;
    bool units = false;
    double unit = 0.1;
    for (size_t i = 0; i < FT__COUNT(points) && point == s.n; i++)
        point = ft__chars_find(s, points[i]);
    for (size_t i = 0; i < point; i++) {
        ft__han_kind kind = ft__han_of(s.c[i]).kind;
        if (kind == FT__HAN_TENS || kind == FT__HAN_POWER) units = true;
    }
    ft__chars whole = ft__chars_part(s, 0, point);
    if (units ? !ft__han_units(whole, value) : !ft__han_digits(x, whole, value))
        return false;
    double fraction = 0;
    for (size_t i = point + 1; i < s.n; i++) {
        int digit = ft__numbers_digit(s.c[i]);
        if (ft__is_space(s.c[i])) continue;
        if (digit < 0) return false;
        fraction += digit * unit;
        unit /= 10;
    }
    *value += fraction;
    return true;
}

/* Which of point and comma is the decimal mark: the last of them, but a comma alone only before one
   to three digits.  0: neither. */
static uint32_t ft__numbers_mark(ft__chars s) {
    size_t comma = s.n, point = s.n, digits = 0;
    for (size_t i = s.n; i-- > 0;) {
        if (s.c[i] == '.' && point == s.n) point = i;
        if (s.c[i] == ',' && comma == s.n) comma = i;
        if (comma == s.n && ft__numbers_digit(s.c[i]) >= 0) digits++;
    }
    if (point < s.n && comma < s.n) return point > comma ? '.' : ',';
    if (point < s.n) return '.';
    return comma < s.n && digits >= 1 && digits <= 3 ? ',' : 0;
}

/* Digits of all scripts with marks between them. */
static bool ft__numbers_digits(ft__numbers_reader *x, ft__chars s, double *value) {
    uint32_t mark = ft__numbers_mark(s);
    bool exponent = false;
    x->ascii.len = 0;
    for (size_t i = 0; i < s.n; i++) {
        uint32_t c = s.c[i];
        int digit = ft__numbers_digit(c);
        if ((c == 'e' || c == 'E') && !exponent) {
            ft__buf_byte(&x->ascii, 'e');
            exponent = true;
            bool minus = i + 1 < s.n && ft__numbers_is_minus(s.c[i + 1]);
            if (minus) ft__buf_byte(&x->ascii, '-');
            if (minus || (i + 1 < s.n && ft__numbers_is_plus(s.c[i + 1]))) i++;
        } else if (c == 0x066B || c == 0xFF0E || (mark && c == mark)) {
            ft__buf_byte(&x->ascii, '.');
        } else if (digit >= 0) {
            ft__buf_byte(&x->ascii, (char)('0' + digit));
        } else if (!ft__numbers_is_group(c) && c != '.') {
            return false;
        }
    }
    return ft__numbers_read_ascii(x, value);
}

static bool ft__numbers_core(ft__numbers_reader *x, ft__chars s, double *value) {
    bool han = false;
    s = ft__chars_strip(s);
    for (size_t i = 0; i < s.n && !han; i++) han = ft__han_of(s.c[i]).kind != FT__HAN_NONE;
    return (han && ft__numbers_han(x, s, value)) || ft__numbers_digits(x, s, value) ||
           (s.n == 1 && ft__numbers_value(s.c[0], value));
}

static bool ft__chars_are_marks(ft__chars s) {
    for (size_t i = 0; i < s.n; i++)
        if (!ft__numbers_is_group(s.c[i])) return false;
    return true;
}

/* Perhaps with one vulgar fraction at the end. */
static bool ft__numbers_mixed(ft__numbers_reader *x, ft__chars s, double *value) {
    double fraction = 0, worth;
    size_t at = s.n;
    for (size_t i = 0; i < s.n; i++) {
        if (s.c[i] < 0x80 || !ft__numbers_value(s.c[i], &worth) || !(worth > 0 && worth < 1))
            continue;
        if (at < s.n) return false;
        at = i;
        fraction = worth;
    }
    if (at == s.n) return s.n && ft__numbers_core(x, s, value);
    ft__chars head = ft__chars_strip(ft__chars_part(s, 0, at));
    if (!ft__chars_are_marks(ft__chars_part(s, at + 1, s.n))) return false;
    *value = 0;
    if (head.n && !ft__numbers_core(x, head, value)) return false;
    *value += fraction;
    return true;
}

static int ft__numbers_superscript(uint32_t c) {
    if (c == 0xB2 || c == 0xB3) return (int)(c - 0xB0);
    if (c == 0xB9) return 1;
    return c == 0x2070 || (c >= 0x2074 && c <= 0x2079) ? (int)(c - 0x2070) : -1;
}

/* Cuts the power at the end off; false if there is none. */
static bool ft__numbers_take_power(ft__chars *s, double *power) {
    size_t end = s->n, start;
    while (end && ft__numbers_is_group(s->c[end - 1])) end--;
    for (start = end; start && ft__numbers_superscript(s->c[start - 1]) >= 0;) start--;
    if (start == end) return false;
    *power = 0;
    for (size_t i = start; i < end; i++)
        *power = 10 * *power + ft__numbers_superscript(s->c[i]);
    if (start && (s->c[start - 1] == 0x207B || s->c[start - 1] == 0x207A)) start--;
    if (s->c[start] == 0x207B) *power = -*power;
    ft__chars base = ft__chars_part(*s, 0, start);
    while (base.n && ft__is_space(base.c[base.n - 1])) base.n--;
    if (base.n) *s = base;
    return base.n > 0;
}

/* Squares and multiplies: exact where the result is.  No number if it is not finite. */
static bool ft__numbers_raise(double *value, double power) {
    double base = *value, result = 1;
    if (!(power >= -1e9 && power <= 1e9)) return false;
    for (uint32_t n = (uint32_t)(power < 0 ? -power : power); n; n >>= 1) {
        if (n & 1) result *= base;
        base *= base;
    }
    if (power < 0 && result == 0) return false;
    *value = power < 0 ? 1 / result : result;
    return ft__finite(*value);
}

/* Spares ordinary words the rest. */
static bool ft__numbers_may_begin(uint32_t c) {
    double value;
    return ft__numbers_value(c, &value) || ft__numbers_is_group(c) || c == '.' || c == 0x066B ||
           c == 0xFF0E || ft__han_of(c).kind == FT__HAN_POINT;
}

/* What float() does not read. */
static bool ft__numbers_unicode(ft__numbers_reader *x, ft__chars s, double *value) {
    bool negative = false;
    double power = 1;
    for (s = ft__chars_strip(s); s.n; s = ft__chars_strip(ft__chars_part(s, 1, s.n))) {
        ft__han_kind kind = ft__han_of(s.c[0]).kind;
        if (ft__numbers_is_minus(s.c[0]) || kind == FT__HAN_MINUS) negative = !negative;
        else if (!ft__numbers_is_plus(s.c[0]) && kind != FT__HAN_PLUS) break;
    }
    if (s.n == 0 || !ft__numbers_may_begin(s.c[0])) return false;
    bool single = s.n == 1 && ft__numbers_value(s.c[0], value);
    if (!single) {
        bool raised = ft__numbers_take_power(&s, &power);
        if (!ft__numbers_mixed(x, s, value)) return false;
        if (negative && raised) *value = -*value;
        if (raised) return ft__numbers_raise(value, power);
    }
    if (negative) *value = -*value;
    return true;
}

FT__PRIV bool ft__numbers_may_be(ft__view v) {
    for (size_t i = 0; i < v.n; i++)
        if ((v.text[i] >= '0' && v.text[i] <= '9') || (v.text[i] & 0x80)) return true;
    return false;
}

/* The characters of a text, until the next is read; none if memory is short. */
static ft__chars ft__numbers_decode(ft__numbers_reader *x, ft__view v) {
    ft__chars s = {NULL, 0};
    if (!ft__grow(&x->ascii.allocator, (void **)&x->chars, &x->cap, v.n, sizeof *x->chars)) {
        x->failed = true;
        return s;
    }
    for (const char *p = v.text, *end = p + v.n; p < end;) x->chars[s.n++] = ft__utf8_next(&p, end);
    s.c = x->chars;
    return s;
}

FT__PRIV bool ft__numbers_float(ft__numbers_reader *x, ft__view v, double *value) {
    return ft__numbers_float_chars(x, ft__numbers_decode(x, v), value);
}

FT__PRIV bool ft__numbers_parse(ft__numbers_reader *x, ft__view v, double *value) {
    if (!ft__numbers_may_be(v)) return false;
    ft__chars s = ft__numbers_decode(x, v);
    return ft__numbers_float_chars(x, s, value) || ft__numbers_unicode(x, s, value);
}
