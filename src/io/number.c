/* Decimal text to double and back, exact both ways and blind to the host's locale.

   Reading: a number of few digits is one exact integer times or divided by one exact power of ten,
   so a single rounding of the processor is the right one (Clinger 1990).  Everything else becomes a
   ratio of two big integers from which the 53 bits are taken one by one; what is left of the ratio
   then decides the rounding, half to even, for normal and subnormal results alike.

   Writing: a double of few digits is found by trial.  Otherwise digits are made until what has been
   written can be no other double (Steele & White 1990, with the exact end of Burger & Dybvig 1996),
   which gives the shortest text, and of those the nearest.  It is laid out as Python's repr does
   it, save that whole numbers have no ".0". */
#include "json.h"

/* Big natural numbers, 32 bits a word, lowest first, no leading zero words.  The largest are met
   when reading: 801 digits (2661 bits) or 5^1131 (2627 bits), and one bit more. */
enum { FT__NUMBER_WORDS = 88, FT__NUMBER_DIGITS = 800 };

typedef struct ft__number_big {
    uint32_t word[FT__NUMBER_WORDS];
    int n;
} ft__number_big;

/* 10^22 is the last power of ten that is a double. */
static const double ft__number_tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                         1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                         1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static void ft__number_set(ft__number_big *b, uint64_t value) {
    b->word[0] = (uint32_t)value;
    b->word[1] = (uint32_t)(value >> 32);
    b->n = b->word[1] ? 2 : b->word[0] ? 1 : 0;
}

/* b = b * factor + addend */
static void ft__number_multiply(ft__number_big *b, uint32_t factor, uint32_t addend) {
    uint64_t carry = addend;
    for (int i = 0; i < b->n; i++) {
        carry += (uint64_t)b->word[i] * factor;
        b->word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry) b->word[b->n++] = (uint32_t)carry;
}

static void ft__number_times_pow5(ft__number_big *b, int power) {
    static const uint32_t fives[] = {1,     5,      25,      125,     625,      3125,     15625,
                                     78125, 390625, 1953125, 9765625, 48828125, 244140625};
    for (; power >= 13; power -= 13) ft__number_multiply(b, 1220703125, 0);
    ft__number_multiply(b, fives[power], 0);
}

static void ft__number_shift(ft__number_big *b, int bits) {
    int words = bits / 32, rest = bits % 32;
    if (b->n == 0 || bits == 0) return;
    uint32_t top = rest ? b->word[b->n - 1] >> (32 - rest) : 0;
    for (int i = b->n - 1; i >= 0; i--) {
        uint32_t low = rest && i > 0 ? b->word[i - 1] >> (32 - rest) : 0;
        b->word[i + words] = b->word[i] << rest | low;
    }
    for (int i = 0; i < words; i++) b->word[i] = 0;
    b->n += words;
    if (top) b->word[b->n++] = top;
}

static int ft__number_compare(const ft__number_big *a, const ft__number_big *b) {
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    for (int i = a->n - 1; i >= 0; i--)
        if (a->word[i] != b->word[i]) return a->word[i] < b->word[i] ? -1 : 1;
    return 0;
}

/* a -= b, where a >= b */
static void ft__number_subtract(ft__number_big *a, const ft__number_big *b) {
    uint64_t borrow = 0;
    for (int i = 0; i < a->n; i++) {
        uint64_t difference = (uint64_t)a->word[i] - (i < b->n ? b->word[i] : 0) - borrow;
        a->word[i] = (uint32_t)difference;
        borrow = difference >> 63;
    }
    while (a->n > 0 && a->word[a->n - 1] == 0) a->n--;
}

/* a + b against c */
static int ft__number_compare_sum(const ft__number_big *a, const ft__number_big *b,
                                  const ft__number_big *c) {
    ft__number_big sum;
    uint64_t carry = 0;
    sum.n = a->n > b->n ? a->n : b->n;
    for (int i = 0; i < sum.n; i++) {
        carry += (uint64_t)(i < a->n ? a->word[i] : 0) + (i < b->n ? b->word[i] : 0);
        sum.word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry) sum.word[sum.n++] = (uint32_t)carry;
    return ft__number_compare(&sum, c);
}

static int ft__number_bit_length(const ft__number_big *b) {
    return b->n ? 32 * b->n - __builtin_clz(b->word[b->n - 1]) : 0;
}

/* ---- reading */

/* What a text says: `count` significant digits from `first` on (points in between), the last of
   them worth 10^exponent.  `head` is the value of the first 19. */
typedef struct ft__number_decimal {
    const char *first;
    size_t count;
    uint64_t head;
    int64_t exponent;
    bool negative;
} ft__number_decimal;

static bool ft__number_is_digit(char c) { return c >= '0' && c <= '9'; }

static ft__number_decimal ft__number_scan(const char *text, size_t n) {
    ft__number_decimal d = {NULL, 0, 0, 0, false};
    const char *p = text, *end = text + n;
    bool after_point = false, negative_exponent = false;
    int64_t exponent = 0;
    if (p < end && *p == '-') d.negative = true, p++;
    for (; p < end && (*p == '.' || ft__number_is_digit(*p)); p++) {
        if (*p == '.') {
            after_point = true;
            continue;
        }
        if (after_point) d.exponent--;
        if (d.count == 0 && *p == '0') continue;
        if (d.count == 0) d.first = p;
        if (d.count++ < 19) d.head = d.head * 10 + (uint64_t)(*p - '0');
    }
    if (p < end) p++; /* the e */
    if (p < end && (*p == '-' || *p == '+')) negative_exponent = *p++ == '-';
    for (; p < end; p++) /* the bound is far above any text's length, so it outweighs all digits */
        if (exponent < 100000000000000000) exponent = exponent * 10 + (*p - '0');
    d.exponent += negative_exponent ? -exponent : exponent;
    return d;
}

/* The digits as a big number; returns how many places it has.  No double and no midpoint between
   two has more than 767 digits, so beyond 800 only matters whether anything but zeros follows. */
static int ft__number_take_digits(const ft__number_decimal *d, ft__number_big *b) {
    const char *p = d->first;
    int taken = d->count < 19 ? (int)d->count : 19;
    ft__number_set(b, d->head);
    for (size_t i = 0; i < d->count; p++) {
        if (*p == '.' || i++ < 19) continue;
        if (taken < FT__NUMBER_DIGITS) {
            ft__number_multiply(b, 10, (uint32_t)(*p - '0'));
            taken++;
        } else if (*p != '0') {
            ft__number_multiply(b, 10, 1);
            return taken + 1;
        }
    }
    return taken;
}

/* The double nearest to (n / d) * 2^exponent, as bits. */
static uint64_t ft__number_round(ft__number_big *n, ft__number_big *d, int exponent) {
    int shift = ft__number_bit_length(n) - ft__number_bit_length(d);
    if (shift < 0)
        ft__number_shift(n, -shift);
    else
        ft__number_shift(d, shift);
    exponent += shift;
    if (ft__number_compare(n, d) < 0) {
        ft__number_shift(n, 1);
        exponent--;
    }
    /* now 1 <= n/d < 2; a subnormal has fewer bits, down to none just below the smallest */
    int n_bits = exponent >= -1022 ? 53 : exponent + 1075;
    if (exponent > 1023) return (uint64_t)0x7FF << 52;
    if (n_bits < 0) return 0;
    uint64_t bits = 0;
    for (int i = 0; i < n_bits; i++) {
        bool one = ft__number_compare(n, d) >= 0;
        if (one) ft__number_subtract(n, d);
        ft__number_shift(n, 1);
        bits = bits << 1 | one;
    }
    int rest = ft__number_compare(n, d); /* against one half */
    if (rest > 0 || (rest == 0 && (bits & 1))) bits++;
    /* a carry runs into the exponent, which is what it should do */
    if (exponent >= -1022) bits += ((uint64_t)(exponent + 1023) << 52) - ((uint64_t)1 << 52);
    return bits;
}

FT__PRIV bool ft__number_parse(const char *text, size_t n, double *value) {
    ft__number_decimal d = ft__number_scan(text, n);
    double magnitude = 0;
    int64_t point = d.exponent + (int64_t)d.count; /* below 10^point, at least 10^(point - 1) */
    if (d.count <= 19 && d.head <= (uint64_t)1 << 53 && d.exponent >= -22 && d.exponent <= 22) {
        magnitude = (double)d.head;
        if (d.exponent < 0)
            magnitude /= ft__number_tens[-d.exponent];
        else
            magnitude *= ft__number_tens[d.exponent];
    } else if (d.count > 0 && point > 310) {
        return false;
    } else if (d.count > 0 && point >= -330) {
        ft__number_big over, under;
        int exponent = (int)point - ft__number_take_digits(&d, &over);
        ft__number_set(&under, 1);
        ft__number_times_pow5(exponent < 0 ? &under : &over, exponent < 0 ? -exponent : exponent);
        uint64_t bits = ft__number_round(&over, &under, exponent);
        if (bits >> 52 == 0x7FF) return false;
        memcpy(&magnitude, &bits, sizeof magnitude);
    }
    *value = d.negative ? -magnitude : magnitude;
    return true;
}

/* ---- writing */

/* digits[0..n) mean 0.DIGITS times 10^point; never a zero at the end, except for 0 itself. */
typedef struct ft__number_digits {
    char digit[20];
    int n, point;
} ft__number_digits;

/* At most 15 digits: two such decimals are never the same double, so the first that reads back is
   the only one.  The rounding error of the product stays below a quarter. */
static bool ft__number_short(double magnitude, ft__number_digits *out) {
    for (int decimals = 0; decimals < (int)FT__COUNT(ft__number_tens); decimals++) {
        double scaled = magnitude * ft__number_tens[decimals];
        if (!(scaled < 1e15)) return false;
        uint64_t whole = (uint64_t)(scaled + 0.5);
        if ((double)whole / ft__number_tens[decimals] != magnitude) continue;
        out->n = snprintf(out->digit, sizeof out->digit, "%llu", (unsigned long long)whole);
        out->point = out->n - decimals;
        return true;
    }
    return false;
}

/* floor(log10(2^exponent)), or one less */
static int ft__number_log10(int exponent) {
    return exponent >= 0 ? exponent * 1233 / 4096 : -((-exponent * 1234 + 4095) / 4096);
}

static void ft__number_shortest(uint64_t bits, ft__number_digits *out) {
    /* the value is rest/unit; below and above are half the gaps to its neighbours */
    ft__number_big rest, unit, below, above;
    uint64_t fraction = bits & (((uint64_t)1 << 52) - 1);
    int biased = (int)(bits >> 52 & 0x7FF);
    int exponent = biased ? biased - 1075 : -1074;
    uint64_t mantissa = biased ? fraction | (uint64_t)1 << 52 : fraction;
    bool near_below = fraction == 0 && biased > 1; /* below a power of two the gap is half */
    bool even = !(mantissa & 1);                   /* then a tie with a neighbour is read as it */
    int top = 63 - __builtin_clzll(mantissa) + exponent;
    int point = ft__number_log10(top) + 1;

    /* all times four, so that the quarter gap is whole, and divided by 10^point: its fives go to
       one side of the ratio, its twos join the binary exponent */
    ft__number_set(&rest, mantissa * 4);
    ft__number_set(&unit, 4);
    ft__number_set(&below, near_below ? 1 : 2);
    ft__number_set(&above, 2);
    ft__number_big *scaled[] = {&rest, &below, &above};
    int shift = exponent - point;
    for (int i = 0; i < 3; i++) {
        if (point < 0) ft__number_times_pow5(scaled[i], -point);
        if (shift > 0) ft__number_shift(scaled[i], shift);
    }
    if (point > 0) ft__number_times_pow5(&unit, point);
    if (shift < 0) ft__number_shift(&unit, -shift);
    if (ft__number_compare_sum(&rest, &above, &unit) > (even ? -1 : 0)) {
        ft__number_multiply(&unit, 10, 0);
        point++;
    }

    bool low = false, high = false;
    for (out->n = 0; !low && !high; out->n++) {
        for (int i = 0; i < 3; i++) ft__number_multiply(scaled[i], 10, 0);
        int digit = 0;
        for (; ft__number_compare(&rest, &unit) >= 0; digit++) ft__number_subtract(&rest, &unit);
        low = ft__number_compare(&rest, &below) < (even ? 1 : 0);
        high = ft__number_compare_sum(&rest, &above, &unit) > (even ? -1 : 0);
        int half = ft__number_compare_sum(&rest, &rest, &unit);
        if (high && (!low || half > 0 || (half == 0 && (digit & 1)))) digit++;
        out->digit[out->n] = (char)('0' + digit);
    }
    out->point = point;
}

static char *ft__number_put(char *p, const char *bytes, int n) {
    memcpy(p, bytes, (size_t)n);
    return p + n;
}

static char *ft__number_zeros(char *p, int n) {
    for (; n > 0; n--) *p++ = '0';
    return p;
}

FT__PRIV size_t ft__number_write(double value, char out[32]) {
    ft__number_digits d;
    uint64_t bits;
    char *p = out;
    memcpy(&bits, &value, sizeof bits);
    if (bits >> 63) *p++ = '-';
    if (!ft__number_short(bits >> 63 ? -value : value, &d)) ft__number_shortest(bits, &d);
    if (d.point < -3 || d.point > 16) {
        *p++ = d.digit[0];
        if (d.n > 1) *p++ = '.';
        p = ft__number_put(p, d.digit + 1, d.n - 1);
        int exponent = d.point - 1;
        p += snprintf(p, 6, "e%c%02d", exponent < 0 ? '-' : '+',
                      exponent < 0 ? -exponent : exponent);
    } else if (d.point <= 0) {
        p = ft__number_zeros(ft__number_put(p, "0.", 2), -d.point);
        p = ft__number_put(p, d.digit, d.n);
    } else if (d.n <= d.point) {
        p = ft__number_zeros(ft__number_put(p, d.digit, d.n), d.point - d.n);
    } else {
        p = ft__number_put(p, d.digit, d.point);
        *p++ = '.';
        p = ft__number_put(p, d.digit + d.point, d.n - d.point);
    }
    *p = 0;
    return (size_t)(p - out);
}
