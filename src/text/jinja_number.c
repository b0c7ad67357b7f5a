/* Python's numbers: integers without bounds, floats, and both as text.

   Integers are 64 bits wide as long as they fit; beyond, digits to the base 10^9, which are quick to print
   and to read, the only things that templates do with them.  Python itself refuses to print more than 4300
   decimal digits; here no number grows longer.

   Floats are printed by their shortest spelling (io/number.c).  Where a number of decimals is asked for, the
   exact decimal value is spelled out and rounded there, half to even. */
#include "jinja.h"

enum { FT__JNUM_LIMBS = 480, FT__JNUM_BASE = 1000000000, FT__JNUM_DIGITS = 1100 };

/* A magnitude at work, lowest limb first, no leading zeros. */
typedef struct ft__jnum {
    uint32_t limb[FT__JNUM_LIMBS + 2];
    uint32_t n;
    bool negative;
} ft__jnum;

FT__PRIV bool ft__jinja_is_int(ft__jv v) {
    return v.type == FT__JV_INT || v.type == FT__JV_BOOL || v.type == FT__JV_BIG;
}

FT__PRIV bool ft__jinja_is_number(ft__jv v) { return v.type >= FT__JV_BOOL && v.type <= FT__JV_FLOAT; }

/* ---- magnitudes */

static void ft__jnum_set(ft__jnum *x, uint64_t value) {
    x->negative = false;
    for (x->n = 0; value; value /= FT__JNUM_BASE) x->limb[x->n++] = (uint32_t)(value % FT__JNUM_BASE);
}

static void ft__jnum_load(ft__jnum *x, ft__jv v) {
    if (v.type == FT__JV_BIG) {
        memcpy(x->limb, v.as.big->limb, v.as.big->n * sizeof *x->limb);
        x->n = v.as.big->n;
        x->negative = v.as.big->negative;
    } else {
        ft__jnum_set(x, v.as.i < 0 ? 0 - (uint64_t)v.as.i : (uint64_t)v.as.i);
        x->negative = v.as.i < 0;
    }
}

static void ft__jnum_trim(ft__jnum *x) {
    while (x->n && x->limb[x->n - 1] == 0) x->n--;
    if (x->n == 0) x->negative = false;
}

static int ft__jnum_compare(const ft__jnum *a, const ft__jnum *b) {
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    for (uint32_t i = a->n; i-- > 0;)
        if (a->limb[i] != b->limb[i]) return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

/* x = x * factor + addend; false if that is too long. */
static bool ft__jnum_multiply(ft__jnum *x, uint32_t factor, uint32_t addend) {
    uint64_t carry = addend;
    for (uint32_t i = 0; i < x->n; i++) {
        carry += (uint64_t)x->limb[i] * factor;
        x->limb[i] = (uint32_t)(carry % FT__JNUM_BASE);
        carry /= FT__JNUM_BASE;
    }
    for (; carry; carry /= FT__JNUM_BASE) {
        if (x->n == FT__JNUM_LIMBS) return false;
        x->limb[x->n++] = (uint32_t)(carry % FT__JNUM_BASE);
    }
    return true;
}

static bool ft__jnum_add(ft__jnum *a, const ft__jnum *b) {
    uint32_t carry = 0, n = a->n > b->n ? a->n : b->n;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t sum = (i < a->n ? a->limb[i] : 0) + (i < b->n ? b->limb[i] : 0) + carry;
        carry = sum >= FT__JNUM_BASE;
        a->limb[i] = carry ? sum - FT__JNUM_BASE : sum;
    }
    a->n = n;
    if (carry) a->limb[a->n++] = 1;
    return a->n <= FT__JNUM_LIMBS;
}

/* a -= b, where a >= b */
static void ft__jnum_subtract(ft__jnum *a, const ft__jnum *b) {
    uint32_t borrow = 0;
    for (uint32_t i = 0; i < a->n; i++) {
        uint32_t take = (i < b->n ? b->limb[i] : 0) + borrow;
        borrow = a->limb[i] < take;
        a->limb[i] = a->limb[i] + (borrow ? FT__JNUM_BASE : 0) - take;
    }
    ft__jnum_trim(a);
}

/* a += b with signs; `minus` turns b's sign. */
static bool ft__jnum_add_signed(ft__jnum *a, const ft__jnum *b, bool minus) {
    bool sign = b->negative != minus;
    if (a->negative == sign) return ft__jnum_add(a, b);
    if (ft__jnum_compare(a, b) >= 0) {
        ft__jnum_subtract(a, b);
    } else {
        ft__jnum copy = *b;
        ft__jnum_subtract(&copy, a);
        *a = copy;
        a->negative = sign && a->n;
    }
    return true;
}

static bool ft__jnum_product(ft__jnum *a, const ft__jnum *b) {
    ft__jnum out;
    memset(&out, 0, sizeof out);
    if (a->n + b->n > FT__JNUM_LIMBS) return a->n == 0 || b->n == 0 ? (a->n = 0, true) : false;
    for (uint32_t i = 0; i < a->n; i++) {
        uint64_t carry = 0;
        for (uint32_t j = 0; j < b->n || carry; j++) {
            carry += out.limb[i + j] + (uint64_t)a->limb[i] * (j < b->n ? b->limb[j] : 0);
            out.limb[i + j] = (uint32_t)(carry % FT__JNUM_BASE);
            carry /= FT__JNUM_BASE;
        }
    }
    out.n = a->n + b->n;
    out.negative = a->negative != b->negative;
    ft__jnum_trim(&out);
    *a = out;
    return true;
}

/* Magnitudes: quotient and rest of a / b, b not zero.  Long division; each digit by bisection. */
static void ft__jnum_divide(const ft__jnum *a, const ft__jnum *b, ft__jnum *quotient, ft__jnum *rest) {
    memset(quotient, 0, sizeof *quotient);
    memset(rest, 0, sizeof *rest);
    quotient->n = a->n;
    for (uint32_t i = a->n; i-- > 0;) {
        uint32_t low = 0, high = FT__JNUM_BASE - 1;
        memmove(rest->limb + 1, rest->limb, rest->n * sizeof *rest->limb);
        rest->limb[0] = a->limb[i];
        rest->n++;
        ft__jnum_trim(rest);
        while (low < high) {
            uint32_t middle = low + (high - low + 1) / 2;
            ft__jnum trial = *b;
            trial.negative = false;
            if (ft__jnum_multiply(&trial, middle, 0) && ft__jnum_compare(&trial, rest) <= 0) low = middle;
            else high = middle - 1;
        }
        ft__jnum part = *b;
        ft__jnum_multiply(&part, low, 0);
        ft__jnum_trim(&part);
        ft__jnum_subtract(rest, &part);
        quotient->limb[i] = low;
    }
    ft__jnum_trim(quotient);
}

/* ---- between magnitudes and values */

static ft__jv ft__jnum_too_long(ft__jinja *r) {
    ft__jinja_fail(r, FT_ERR_LIMIT, "an integer of more than 4300 digits");
    return ft__jinja_int(0);
}

static ft__jv ft__jnum_value(ft__jinja *r, const ft__jnum *x) {
    uint64_t small = 0;
    bool fits = x->n <= 3;
    for (uint32_t i = x->n; fits && i-- > 0;)
        fits = ft__mul_u64(small, FT__JNUM_BASE, &small) && ft__add_u64(small, x->limb[i], &small);
    if (fits && small <= (uint64_t)INT64_MAX) return ft__jinja_int(x->negative ? -(int64_t)small : (int64_t)small);
    if (fits && x->negative && small == (uint64_t)INT64_MAX + 1) return ft__jinja_int(INT64_MIN);
    ft__jbig *big = (ft__jbig *)ft__jinja_alloc(r, 1, sizeof *big);
    uint32_t *limb = (uint32_t *)ft__jinja_alloc(r, x->n, sizeof *limb);
    if (!limb) return ft__jinja_int(0);
    memcpy(limb, x->limb, x->n * sizeof *limb);
    big->limb = limb;
    big->n = x->n;
    big->negative = x->negative;
    ft__jv v = ft__jinja_value(FT__JV_BIG);
    v.as.big = big;
    return v;
}

static size_t ft__jnum_print(const ft__jbig *big, char *out) {
    size_t n = (size_t)sprintf(out, "%s%u", big->negative ? "-" : "", (unsigned)big->limb[big->n - 1]);
    for (uint32_t i = big->n - 1; i-- > 0;) n += (size_t)sprintf(out + n, "%09u", (unsigned)big->limb[i]);
    return n;
}

FT__PRIV double ft__jinja_to_double(ft__jinja *r, ft__jv v) {
    char text[FT__JNUM_LIMBS * 9 + 16];
    double value = 0;
    if (v.type == FT__JV_FLOAT) return v.as.f;
    if (v.type != FT__JV_BIG) return (double)v.as.i;
    if (!ft__number_parse(text, ft__jnum_print(v.as.big, text), &value))
        ft__jinja_error(r, "int too large to convert to float");
    return value;
}

FT__PRIV bool ft__jinja_index(ft__jinja *r, ft__jv v, const char *what, int64_t *out) {
    if (v.type == FT__JV_UNDEFINED && !r->status) return ft__jinja_fail_undefined(r, v);
    if (!ft__jinja_is_int(v)) return ft__jinja_error(r, "%s, not %s", what, ft__jinja_type_name(v));
    *out = v.type != FT__JV_BIG ? v.as.i : v.as.big->negative ? INT64_MIN : INT64_MAX;
    return r->status == FT_OK;
}

static uint32_t ft__jnum_digit(char c) {
    char letter = (char)(c | 32);
    if (c >= '0' && c <= '9') return (uint32_t)(c - '0');
    return letter >= 'a' && letter <= 'z' ? (uint32_t)(letter - 'a') + 10 : 99;
}

FT__PRIV ft__jv ft__jinja_int_of_text(ft__jinja *r, const char *digits, size_t n, uint32_t base, bool negative) {
    ft__jnum x;
    ft__jnum_set(&x, 0);
    for (size_t i = 0; i < n; i++)
        if (!ft__jnum_multiply(&x, base, ft__jnum_digit(digits[i]))) return ft__jnum_too_long(r);
    x.negative = negative && x.n;
    return ft__jnum_value(r, &x);
}

FT__PRIV ft__jv ft__jinja_int_of_double(ft__jinja *r, double f) {
    ft__jnum x;
    bool negative = f < 0;
    int shift = 0;
    if (f > -9.2e18 && f < 9.2e18) return ft__jinja_int((int64_t)f);
    if (!ft__finite(f)) {
        ft__jinja_error(r, "cannot convert float %s to integer", f != f ? "NaN" : "infinity");
        return ft__jinja_int(0);
    }
    for (f = negative ? -f : f; f >= 9.2e18; f /= 2) shift++;
    ft__jnum_set(&x, (uint64_t)f);
    for (; shift > 0; shift--) ft__jnum_multiply(&x, 2, 0);
    x.negative = negative;
    return ft__jnum_value(r, &x);
}

/* ---- reading text as Python's int() and float() do */

static void ft__jnum_strip(const ft__jstr *s, const char **begin, const char **end) {
    *begin = s->data;
    *end = s->data + s->len;
    while (*begin < *end) {
        const char *next = *begin;
        if (!ft__is_space(ft__utf8_next(&next, *end))) break;
        *begin = next;
    }
    while (*end > *begin) {
        const char *last = *end - 1, *p;
        while (last > *begin && ((unsigned char)*last & 0xC0) == 0x80) last--;
        p = last;
        if (!ft__is_space(ft__utf8_next(&p, *end))) break;
        *end = last;
    }
}

/* Copies digits of that base; underscores may stand between them.  False if there is anything else. */
static bool ft__jnum_copy_digits(const char *p, const char *end, uint32_t base, char *out, size_t *n) {
    bool digit = false;
    for (*n = 0; p < end; p++) {
        if (*p == '_' && digit && p + 1 < end) {
            digit = false;
            continue;
        }
        digit = ft__jnum_digit(*p) < base;
        if (!digit) return false;
        out[(*n)++] = *p;
    }
    return digit;
}

FT__PRIV bool ft__jinja_parse_int(ft__jinja *r, const ft__jstr *s, int64_t base, ft__jv *out) {
    const char *p, *end;
    size_t n;
    ft__jnum_strip(s, &p, &end);
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    if (end - p > 2 && *p == '0') {
        char mark = (char)(p[1] | 32);
        int64_t named = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
        if (named && (base == named || base == 0)) base = named, p += p[2] == '_' ? 3 : 2;
    }
    if (base == 0) base = 10;
    char *digits = (char *)ft__jinja_alloc(r, (size_t)(end - p), 1);
    if (!digits || base < 2 || base > 36 || !ft__jnum_copy_digits(p, end, (uint32_t)base, digits, &n)) return false;
    *out = ft__jinja_int_of_text(r, digits, n, (uint32_t)base, negative);
    return r->status == FT_OK;
}

static bool ft__jnum_word(const char *p, const char *end, const char *word) {
    size_t n = strlen(word);
    if ((size_t)(end - p) != n) return false;
    for (size_t i = 0; i < n; i++)
        if ((p[i] | 32) != word[i]) return false;
    return true;
}

FT__PRIV bool ft__jinja_parse_float(const ft__jstr *s, double *out) {
    const char *p, *end;
    char text[400], last = 0;
    size_t n = 0, digits = 0;
    int stage = 0; /* before the point, behind it, in the exponent */
    ft__jnum_strip(s, &p, &end);
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    double big = 1e308 * 10;
    bool inf = ft__jnum_word(p, end, "inf") || ft__jnum_word(p, end, "infinity");
    if (inf || ft__jnum_word(p, end, "nan")) {
        *out = inf ? (negative ? -big : big) : big - big;
        return true;
    }
    text[n++] = '0'; /* ".5" and "5." are fine for Python */
    for (; p < end; last = *p++) {
        if (n + 4 > sizeof text) return false;
        if (*p >= '0' && *p <= '9') text[n++] = *p, digits++;
        else if (*p == '_' && last >= '0' && last <= '9' && p + 1 < end && p[1] >= '0' && p[1] <= '9') continue;
        else if (*p == '.' && stage == 0) text[n++] = '.', stage = 1;
        else if ((*p | 32) == 'e' && stage < 2 && digits) {
            if (text[n - 1] == '.') text[n++] = '0';
            text[n++] = 'e', stage = 2, digits = 0;
        } else if ((*p == '+' || *p == '-') && (last | 32) == 'e') text[n++] = *p;
        else return false;
    }
    if (!digits) return false;
    if (!ft__number_parse(text, n, out)) *out = big;
    if (negative) *out = -*out;
    return true;
}

/* ---- comparing and computing */

FT__PRIV int ft__jinja_compare_numbers(ft__jinja *r, ft__jv a, ft__jv b) {
    if (a.type != FT__JV_FLOAT && b.type != FT__JV_FLOAT) {
        if (a.type != FT__JV_BIG && b.type != FT__JV_BIG) return (a.as.i > b.as.i) - (a.as.i < b.as.i);
        ft__jnum x, y;
        ft__jnum_load(&x, a);
        ft__jnum_load(&y, b);
        if (x.negative != y.negative) return x.negative ? -1 : 1;
        return x.negative ? -ft__jnum_compare(&x, &y) : ft__jnum_compare(&x, &y);
    }
    /* an int and a float: by the float where the int is exact, else as integers */
    bool left = a.type == FT__JV_FLOAT;
    double f = left ? a.as.f : b.as.f;
    ft__jv other = left ? b : a;
    if (f != f) return 2;
    if (other.type == FT__JV_FLOAT) return (a.as.f > b.as.f) - (a.as.f < b.as.f);
    if (other.type != FT__JV_BIG && other.as.i > -((int64_t)1 << 53) && other.as.i < (int64_t)1 << 53) {
        double x = left ? f : (double)other.as.i, y = left ? (double)other.as.i : f;
        return (x > y) - (x < y);
    }
    if (!ft__finite(f)) return (f > 0) == left ? 1 : -1;
    ft__jv whole = ft__jinja_int_of_double(r, f);
    int order = left ? ft__jinja_compare_numbers(r, whole, other) : ft__jinja_compare_numbers(r, other, whole);
    if (order || f > 9e18 || f < -9e18) return order;
    double rest = f - (double)whole.as.i;
    return rest > 0 ? (left ? 1 : -1) : rest < 0 ? (left ? -1 : 1) : 0;
}

/* The rest of x / y, both positive and finite; exact, since each subtraction is. */
static double ft__jnum_rest(double x, double y) {
    while (x >= y) {
        double part = y;
        while (part <= x / 2) part *= 2;
        x -= part;
    }
    return x;
}

/* Python's % and // of floats: the rest has the divisor's sign. */
static void ft__jnum_float_divmod(double x, double y, double *quotient, double *rest) {
    double mod = x;
    if (ft__finite(x) && ft__finite(y)) {
        mod = ft__jnum_rest(x < 0 ? -x : x, y < 0 ? -y : y);
        if (x < 0) mod = -mod;
    } else if (!ft__finite(x)) {
        mod = x - x;
    }
    double div = (x - mod) / y;
    if (mod != 0) {
        if ((y < 0) != (mod < 0)) mod += y, div -= 1;
    } else {
        mod = y < 0 ? -0.0 : 0.0;
    }
    double down = div == div && ft__finite(div) ? ft__floor(div) : div;
    *quotient = div - down > 0.5 ? down + 1 : down;
    if (div == 0) *quotient = (x < 0) != (y < 0) ? -0.0 : 0.0;
    *rest = mod;
}

static ft__jv ft__jnum_zero_division(ft__jinja *r) {
    ft__jinja_error(r, "division by zero");
    return ft__jinja_int(0);
}

static double ft__jnum_whole_power(double base, int64_t exponent) {
    double out = 1;
    uint64_t n = exponent < 0 ? 0 - (uint64_t)exponent : (uint64_t)exponent;
    for (; n; n >>= 1, base *= base)
        if (n & 1) out *= base;
    return exponent < 0 ? 1 / out : out;
}

static ft__jv ft__jnum_float_power(ft__jinja *r, double x, double y) {
    if (x == 0 && y < 0) return ft__jnum_zero_division(r);
    if (y > -1e6 && y < 1e6 && ft__floor(y) == y) return ft__jinja_float(ft__jnum_whole_power(x, (int64_t)y));
    if (x > 0 && ft__finite(x) && ft__finite(y)) return ft__jinja_float(ft__pow(x, y));
    if (x == 0) return ft__jinja_float(0);
    ft__jinja_error(r, "this power is no real number");
    return ft__jinja_int(0);
}

static ft__jv ft__jnum_float_arithmetic(ft__jinja *r, int op, ft__jv a, ft__jv b) {
    double x = ft__jinja_to_double(r, a), y = ft__jinja_to_double(r, b), quotient, rest;
    switch (op) {
    case '+': return ft__jinja_float(x + y);
    case '-': return ft__jinja_float(x - y);
    case '*': return ft__jinja_float(x * y);
    case FT__JO_POW: return ft__jnum_float_power(r, x, y);
    default: break;
    }
    if (y == 0) return ft__jnum_zero_division(r);
    if (op == '/') return ft__jinja_float(x / y);
    ft__jnum_float_divmod(x, y, &quotient, &rest);
    return ft__jinja_float(op == '%' ? rest : quotient);
}

static ft__jv ft__jnum_int_power(ft__jinja *r, ft__jv a, ft__jv b) {
    ft__jnum base, out;
    ft__jnum_load(&base, a);
    if (b.type == FT__JV_BIG || b.as.i < 0) return ft__jnum_float_arithmetic(r, FT__JO_POW, a, b);
    ft__jnum_set(&out, 1);
    bool fits = true, small = base.n == 0 || (base.n == 1 && base.limb[0] == 1); /* 0, 1 and -1 stay small */
    for (int64_t n = b.as.i; n && fits; n >>= 1) {
        ft__jnum square = base;
        if (n & 1) fits = ft__jnum_product(&out, &base);
        if (n > 1 && fits) fits = ft__jnum_product(&base, &square) || small;
        if (!ft__jinja_work(r, base.n + 1)) break;
    }
    return fits ? ft__jnum_value(r, &out) : ft__jnum_too_long(r);
}

static ft__jv ft__jnum_int_divide(ft__jinja *r, int op, const ft__jnum *x, const ft__jnum *y) {
    ft__jnum quotient, rest, one;
    if (y->n == 0) return ft__jnum_zero_division(r);
    if (!ft__jinja_work(r, (size_t)x->n * (y->n + 1))) return ft__jinja_int(0);
    ft__jnum_divide(x, y, &quotient, &rest);
    ft__jnum_set(&one, 1);
    bool apart = x->negative != y->negative;
    if (apart && rest.n) { /* towards minus infinity; the rest has the divisor's sign */
        ft__jnum whole = *y;
        ft__jnum_add(&quotient, &one);
        whole.negative = false;
        ft__jnum_subtract(&whole, &rest);
        rest = whole;
    }
    quotient.negative = apart && quotient.n;
    rest.negative = y->negative && rest.n;
    return ft__jnum_value(r, op == '%' ? &rest : &quotient);
}

static ft__jv ft__jnum_big_arithmetic(ft__jinja *r, int op, ft__jv a, ft__jv b) {
    ft__jnum x, y;
    bool fits = true;
    if (op == FT__JO_POW) return ft__jnum_int_power(r, a, b);
    ft__jnum_load(&x, a);
    ft__jnum_load(&y, b);
    if (op == '%' || op == FT__JO_FLOORDIV) return ft__jnum_int_divide(r, op, &x, &y);
    if (op == '*') fits = ft__jinja_work(r, x.n + y.n) && ft__jnum_product(&x, &y);
    else fits = ft__jnum_add_signed(&x, &y, op == '-');
    return fits ? ft__jnum_value(r, &x) : ft__jnum_too_long(r);
}

FT__PRIV ft__jv ft__jinja_arithmetic(ft__jinja *r, int op, ft__jv a, ft__jv b) {
    int64_t out = 0;
    bool overflow = true;
    if (a.type == FT__JV_FLOAT || b.type == FT__JV_FLOAT || op == '/')
        return ft__jnum_float_arithmetic(r, op, a, b);
    if (a.type == FT__JV_BIG || b.type == FT__JV_BIG) return ft__jnum_big_arithmetic(r, op, a, b);
    int64_t x = a.as.i, y = b.as.i;
    if (op == '+') overflow = __builtin_add_overflow(x, y, &out);
    else if (op == '-') overflow = __builtin_sub_overflow(x, y, &out);
    else if (op == '*') overflow = __builtin_mul_overflow(x, y, &out);
    else if ((op == '%' || op == FT__JO_FLOORDIV) && y > 0) {
        int64_t rest = x % y < 0 ? x % y + y : x % y;
        out = op == '%' ? rest : x / y - (x % y < 0);
        overflow = false;
    }
    return overflow ? ft__jnum_big_arithmetic(r, op, a, b) : ft__jinja_int(out);
}

FT__PRIV ft__jv ft__jinja_negate(ft__jinja *r, ft__jv v) {
    if (v.type == FT__JV_FLOAT) return ft__jinja_float(-v.as.f);
    return ft__jinja_arithmetic(r, '-', ft__jinja_int(0), v);
}

/* ---- printing */

/* The exact decimal value of a finite double: 0.DIGITS times ten to the point. */
typedef struct ft__jnum_decimal {
    char digit[FT__JNUM_DIGITS];
    int n, point;
} ft__jnum_decimal;

static void ft__jnum_exact(double f, ft__jnum_decimal *d) {
    uint64_t bits, fraction;
    ft__jnum x;
    char text[16];
    memcpy(&bits, &f, sizeof bits);
    int exponent = (int)(bits >> 52 & 0x7FF);
    fraction = bits & (((uint64_t)1 << 52) - 1);
    if (exponent) fraction |= (uint64_t)1 << 52;
    exponent = (exponent ? exponent : 1) - 1075;
    ft__jnum_set(&x, fraction);
    for (int i = 0; i < exponent; i++) ft__jnum_multiply(&x, 2, 0);
    for (int i = 0; i > exponent; i--) ft__jnum_multiply(&x, 5, 0);
    d->n = 0;
    for (uint32_t i = x.n; i-- > 0;) {
        int n = snprintf(text, sizeof text, i + 1 == x.n ? "%u" : "%09u", (unsigned)x.limb[i]);
        memcpy(d->digit + d->n, text, (size_t)n);
        d->n += n;
    }
    d->point = d->n == 0 ? 1 : d->n + (exponent < 0 ? exponent : 0);
}

/* Keeps `keep` digits (which may be negative: none, and far to the left), half to even. */
static void ft__jnum_round_at(ft__jnum_decimal *d, int keep) {
    if (keep >= d->n) return;
    if (keep < 0) {
        d->n = 0;
        return;
    }
    bool up = d->digit[keep] > '5';
    if (d->digit[keep] == '5') {
        up = keep > 0 && (d->digit[keep - 1] & 1);
        for (int i = keep + 1; i < d->n && !up; i++) up = d->digit[i] != '0';
    }
    d->n = keep;
    while (up && keep > 0 && d->digit[keep - 1] == '9') d->digit[--keep] = '0';
    if (up && keep > 0) d->digit[keep - 1]++;
    if (up && keep == 0) { /* all nines */
        memmove(d->digit + 1, d->digit, (size_t)d->n);
        d->digit[0] = '1';
        d->n++;
        d->point++;
    }
}

static char ft__jnum_at(const ft__jnum_decimal *d, int i) { return i >= 0 && i < d->n ? d->digit[i] : '0'; }

static size_t ft__jnum_fixed(const ft__jnum_decimal *d, int decimals, bool point, char *out) {
    size_t n = 0;
    for (int i = d->point > 0 ? 0 : d->point - 1; i < d->point; i++) out[n++] = ft__jnum_at(d, i);
    if (decimals > 0 || point) out[n++] = '.';
    for (int i = 0; i < decimals; i++) out[n++] = ft__jnum_at(d, d->point + i);
    return n;
}

static size_t ft__jnum_scientific(const ft__jnum_decimal *d, int decimals, bool point, char e, char *out) {
    size_t n = 0;
    int exponent = d->n ? d->point - 1 : 0;
    out[n++] = ft__jnum_at(d, 0);
    if (decimals > 0 || point) out[n++] = '.';
    for (int i = 1; i <= decimals; i++) out[n++] = ft__jnum_at(d, i);
    return n + (size_t)sprintf(out + n, "%c%c%02d", e, exponent < 0 ? '-' : '+',
                               exponent < 0 ? -exponent : exponent);
}

FT__PRIV void ft__jinja_put_float(ft__jinja *r, double f, char style, int precision, bool alternate) {
    ft__jnum_decimal d;
    char text[FT__JNUM_DIGITS + 700], kind = (char)(style | 32);
    size_t n;
    uint64_t bits;
    memcpy(&bits, &f, sizeof bits);
    if (!style && ft__finite(f)) {
        n = ft__number_write(f, text);
        ft__jinja_put(r, text, n);
        if (strspn(text, "-0123456789") == n) ft__jinja_puts(r, ".0");
        return;
    }
    if (f == f && bits >> 63) ft__jinja_puts(r, "-");
    if (!ft__finite(f)) {
        ft__jinja_puts(r, style && style != kind ? (f != f ? "NAN" : "INF") : f != f ? "nan" : "inf");
        return;
    }
    if (precision > 600) {
        ft__jinja_fail(r, FT_ERR_LIMIT, "more than 600 decimals");
        return;
    }
    ft__jnum_exact(f < 0 ? -f : f, &d);
    if (kind == 'f') {
        ft__jnum_round_at(&d, d.point + precision);
        n = ft__jnum_fixed(&d, precision, alternate, text);
    } else if (kind == 'e') {
        ft__jnum_round_at(&d, precision + 1);
        n = ft__jnum_scientific(&d, precision, alternate, style, text);
    } else { /* g: whichever is short, without the zeros at the end */
        int digits = precision < 1 ? 1 : precision;
        ft__jnum_round_at(&d, digits);
        int exponent = d.n ? d.point - 1 : 0;
        while (!alternate && d.n && d.digit[d.n - 1] == '0') d.n--;
        if (!alternate && d.n < digits) digits = d.n;
        bool scientific = exponent < -4 || exponent >= (precision < 1 ? 1 : precision);
        int decimals = scientific ? digits - 1 : digits - d.point;
        if (d.n == 0 && !alternate) decimals = 0;
        if (decimals < 0) decimals = 0;
        n = scientific ? ft__jnum_scientific(&d, decimals, alternate, (char)(style - 2), text)
                       : ft__jnum_fixed(&d, decimals, alternate, text);
    }
    ft__jinja_put(r, text, n);
}

FT__PRIV double ft__jinja_round(ft__jinja *r, double f, int decimals) {
    ft__jnum_decimal d;
    char text[FT__JNUM_DIGITS + 32];
    double out = 0;
    if (!ft__finite(f) || f == 0 || decimals > 330) return f;
    ft__jnum_exact(f < 0 ? -f : f, &d);
    ft__jnum_round_at(&d, d.point + decimals);
    if (d.n == 0) return f < 0 ? -0.0 : 0.0;
    text[0] = '0';
    text[1] = '.';
    memcpy(text + 2, d.digit, (size_t)d.n);
    size_t n = 2 + (size_t)d.n;
    n += (size_t)sprintf(text + n, "e%d", d.point);
    if (!ft__number_parse(text, n, &out)) ft__jinja_error(r, "rounded value too large to represent");
    return f < 0 ? -out : out;
}

FT__PRIV void ft__jinja_put_number(ft__jinja *r, ft__jv v) {
    char text[FT__JNUM_LIMBS * 9 + 16];
    if (v.type == FT__JV_FLOAT) {
        ft__jinja_put_float(r, v.as.f, 0, 0, false);
    } else if (v.type == FT__JV_BIG) {
        ft__jinja_put(r, text, ft__jnum_print(v.as.big, text));
    } else {
        ft__jinja_put(r, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)v.as.i));
    }
}
