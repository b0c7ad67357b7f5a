/* Numbers in answers: which of a text's words is one, how it is written down, is it the expected
   one.  What a word is worth, numbers_read.c tells; the rules are those of inspect_ai (UK AI
   Security Institute, commit 499e6152e7).

   In an output the signs $ , * _ and those of pound and euro are deleted first (so that "1,5" is 15
   and "100,000" is 100000), then every point that no digit follows; the numbers are those words,
   separated by white space, that are numbers as a whole.  "(42)", "x=42", "\boxed{42}" are none.

   numeric_match compares exact values,

       |found - expected| <= max(tolerance_abs, tolerance_rel * |expected|)

   and knows one thing more: a number with a percent sign agrees with one that has it, too, and only
   with such.  Of an expected text that is no number as a whole the last number counts. */
#include "numbers.h"

/* ---- from a number to a text */

enum { FT__NUMBERS_LIMBS = 90 }; /* the longest double has 767 digits */

/* The value is 0.DIGITS times 10^point; no zero at the end. */
typedef struct ft__numbers_decimal {
    char digit[9 * FT__NUMBERS_LIMBS];
    int n, point;
} ft__numbers_decimal;

/* A finite double above 0, exactly: m * 2^e = m * 5^-e / 10^-e. */
static void ft__numbers_decimal_set(ft__numbers_decimal *d, double magnitude) {
    uint32_t limb[FT__NUMBERS_LIMBS]; /* 9 digits each, the lowest first */
    uint64_t bits, m;
    int n = 0;
    memcpy(&bits, &magnitude, sizeof bits);
    int exponent = (int)(bits >> 52 & 0x7FF);
    m = bits & (((uint64_t)1 << 52) - 1);
    if (exponent) m |= (uint64_t)1 << 52;
    exponent = (exponent ? exponent : 1) - 1075;
    for (; exponent < 0 && m % 2 == 0; m /= 2) exponent++;
    for (; m; m /= 1000000000) limb[n++] = (uint32_t)(m % 1000000000);
    for (int left = exponent < 0 ? -exponent : exponent; left > 0;) {
        int step = left < 12 ? left : 12; /* 5^12 and 2^12 fit, with room for the carry */
        uint64_t factor = 1, carry = 0;
        for (int i = 0; i < step; i++) factor *= exponent < 0 ? 5 : 2;
        for (int i = 0; i < n; i++, carry /= 1000000000) {
            carry += limb[i] * factor;
            limb[i] = (uint32_t)(carry % 1000000000);
        }
        if (carry) limb[n++] = (uint32_t)carry;
        left -= step;
    }
    d->n = 9 * n;
    for (int i = 0; i < n; i++)
        for (int k = 1; k <= 9; k++, limb[i] /= 10)
            d->digit[d->n - 9 * i - k] = (char)('0' + limb[i] % 10);
    int zeros = 0;
    while (d->digit[zeros] == '0') zeros++;
    d->n -= zeros;
    memmove(d->digit, d->digit + zeros, (size_t)d->n);
    d->point = d->n - (exponent < 0 ? -exponent : 0);
    while (d->digit[d->n - 1] == '0') d->n--;
}

/* Keeps so many digits, half to even; where it keeps none, a 1 in front of them may be left. */
static void ft__numbers_decimal_round(ft__numbers_decimal *d, int keep) {
    if (keep < d->n) {
        bool up = keep >= 0 && d->digit[keep] >= '5';
        if (up && d->digit[keep] == '5' && keep + 1 == d->n)
            up = keep > 0 && (d->digit[keep - 1] - '0') % 2 == 1; /* just between two */
        d->n = keep < 0 ? 0 : keep;
        while (up && keep > 0 && d->digit[keep - 1] == '9') d->digit[--keep] = '0';
        if (up && keep > 0) {
            d->digit[keep - 1]++;
        } else if (up) {
            d->digit[0] = '1';
            d->point++;
            if (d->n == 0) d->n = 1;
        }
    }
    while (d->n && d->digit[d->n - 1] == '0') d->n--;
}

FT__PRIV void ft__numbers_write(double value, char out[16]) {
    ft__numbers_decimal d;
    char *p = out;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (bits >> 63) *p++ = '-';
    d.digit[0] = '0';
    d.n = d.point = 1;
    if (value != 0) {
        ft__numbers_decimal_set(&d, value < 0 ? -value : value);
        ft__numbers_decimal_round(&d, 5);
    }
    int exponent = d.point - 1, n = d.n;
    bool scientific = exponent < -4 || exponent >= 5;
    int before = scientific ? 1 : d.point; /* digits before the point */
    if (before <= 0) *p++ = '0', *p++ = '.';
    for (int i = before; i < 0; i++) *p++ = '0';
    for (int i = 0; i < n || i < before; i++) {
        if (i == before && i > 0) *p++ = '.';
        *p++ = i < n ? d.digit[i] : '0';
    }
    *p = 0;
    if (scientific) {
        unsigned size = (unsigned)(exponent < 0 ? -exponent : exponent) % 1000;
        snprintf(p, 6, "e%c%02u", exponent < 0 ? '-' : '+', size);
    }
}

FT__PRIV double ft__numbers_round(double value, int places) {
    ft__numbers_decimal d;
    char text[32];
    if (!(value > 0)) return 0;
    ft__numbers_decimal_set(&d, value);
    if (d.point + places >= d.n || d.point + places > 17) return value;
    ft__numbers_decimal_round(&d, d.point + places);
    if (d.n == 0) return 0;
    int n = snprintf(text, sizeof text, "%.*se%d", d.n, d.digit, d.point - d.n);
    ft__number_parse(text, (size_t)n, &value);
    return value;
}

/* ---- numbers among words */

/* How many bytes of a sign that is deleted stand here. */
static size_t ft__numbers_sign(const char *p, const char *end) {
    switch (*p) {
    case '$': case ',': case '*': case '_': return 1;
    case '\xC2': return end - p >= 2 && p[1] == '\xA3' ? 2 : 0;
    case '\xE2': return end - p >= 3 && p[1] == '\x82' && p[2] == '\xAC' ? 3 : 0;
    default: return 0;
    }
}

static bool ft__numbers_digit_follows(const char *p, const char *end) {
    return p < end && ft__numbers_decimal_of(ft__utf8_next(&p, end)) >= 0;
}

/* Without those signs and a backslash before one of them; then without the points that no digit
   follows. */
FT__PRIV void ft__numbers_clean(ft__view v, ft__buf *out) {
    size_t n = 0;
    out->len = 0;
    for (const char *p = v.text, *end = p + v.n, *from; p < end;) {
        from = p;
        while (p < end && *p != '\\' && ft__numbers_sign(p, end) == 0) p++;
        ft__buf_add(out, from, (size_t)(p - from));
        if (p == end) break;
        size_t sign = ft__numbers_sign(p, end);
        if (sign) p += sign;
        else if (p + 1 < end && ft__numbers_sign(p + 1, end)) p += 1;
        else ft__buf_byte(out, *p++);
    }
    for (size_t i = 0; i < out->len; i++)
        if (out->data[i] != '.' ||
            ft__numbers_digit_follows(out->data + i + 1, out->data + out->len))
            out->data[n++] = out->data[i];
    out->len = n;
}

/* Cleans a text and reads all of it as a number, perhaps with a percent sign. */
static bool ft__numbers_read(ft__numbers_reader *x, ft__view v, bool percents,
                             ft__numbers_found *found) {
    found->word = v;
    found->percent = false;
    if (!ft__numbers_may_be(v)) return false;
    ft__numbers_clean(v, &x->word);
    ft__view word = ft__buf_view(&x->word);
    if (percents && word.n && word.text[word.n - 1] == '%') {
        found->percent = true;
        word.n--;
    }
    return ft__numbers_parse(x, word, &found->value);
}

/* Past the ASCII words from p on that have no digit. */
static const char *ft__numbers_skip(const char *p, const char *end) {
    for (const char *q = p; q < end; q++) {
        if ((*q >= '0' && *q <= '9') || (*q & 0x80)) return p;
        if (*q == ' ' || (*q >= 9 && *q <= 13) || (*q >= 0x1C && *q <= 0x1F)) p = q + 1;
    }
    return end;
}

FT__PRIV bool ft__numbers_next(ft__numbers_reader *x, const char **p, const char *end,
                               bool percents, ft__numbers_found *found) {
    ft__view word;
    for (;;) {
        *p = ft__numbers_skip(*p, end);
        if (!ft__text_next_word(p, end, &word)) return false;
        if (ft__numbers_read(x, word, percents, found)) return true;
    }
}

FT__PRIV bool ft__numbers_at(ft__numbers_reader *x, ft__view v, int location, bool percents,
                             ft__numbers_found *found) {
    const char *p = v.text, *end = p + v.n;
    ft__numbers_found next;
    bool any = false;
    if (location == FT__NUMBERS_EXACT) return ft__numbers_read(x, v, percents, found);
    while (ft__numbers_next(x, &p, end, percents, &next)) {
        *found = next;
        any = true;
        if (location == FT__NUMBERS_BEGIN) break;
    }
    return any;
}

/* ---- metric parse_number */

static ft_status ft__numbers_run_parse(const ft__metric_call *call) {
    ft__view text;
    ft__numbers_reader x;
    double value;
    char written[16];
    ft_status status = ft__metric_text(call, "text", &text);
    if (status) return status;
    ft__numbers_init(&x, &call->arena->allocator);
    ft__json_begin(call->out, '{');
    ft__json_key(call->out, "value");
    if (ft__numbers_parse(&x, text, &value)) {
        ft__numbers_write(value, written);
        ft__json_number(call->out, value);
        text.text = written;
        text.n = strlen(written);
    } else {
        ft__json_null(call->out);
    }
    ft__json_key(call->out, "normalized_5g");
    ft__json_string(call->out, text.text, text.n);
    ft__json_end(call->out, '}');
    return ft__numbers_done(&x) ? FT_OK : ft__fail_memory(call->err);
}

FT__PRIV const ft__metric_kind *ft__numbers_metrics(size_t *n) {
    static const ft__metric_kind kinds[] = {{"parse_number", 0, ft__numbers_run_parse}};
    *n = FT__COUNT(kinds);
    return kinds;
}

/* ---- evaluator numeric_match */

typedef struct ft__numbers_tolerance {
    int location;
    double absolute, relative;
} ft__numbers_tolerance;

static ft_status ft__numbers_prepare(ft_evaluator *e, ft_error *err) {
    static const char *const locations[] = FT__NUMBERS_LOCATIONS;
    ft__numbers_tolerance *t = (ft__numbers_tolerance *)ft__arena_alloc(&e->arena, 1, sizeof *t);
    if (!t) return ft__fail_memory(err);
    e->state = t;
    ft_status status = ft__param_choice(e, "location", locations, FT__COUNT(locations),
                                        &t->location, err);
    if (!status)
        status = ft__param_number(e, "tolerance_abs", 0, DBL_MAX, false, &t->absolute, err);
    if (!status)
        status = ft__param_number(e, "tolerance_rel", 0, DBL_MAX, false, &t->relative, err);
    return status;
}

static bool ft__numbers_agree(const ft__numbers_tolerance *t, const ft__numbers_found *got,
                              const ft__numbers_found *expected) {
    double difference = got->value - expected->value;
    double size = expected->value < 0 ? -expected->value : expected->value;
    if (difference < 0) difference = -difference;
    return got->percent == expected->percent &&
           (difference <= t->absolute || difference <= t->relative * size);
}

/* Looks for the number at its place; for "any" until one agrees. */
static bool ft__numbers_look(ft__numbers_reader *x, const ft__numbers_tolerance *t, ft__view output,
                             const ft__numbers_found *expected, ft__numbers_found *got) {
    const char *p = output.text, *end = p + output.n;
    if (t->location != FT__NUMBERS_ANY) return ft__numbers_at(x, output, t->location, true, got);
    bool any = false;
    while (ft__numbers_next(x, &p, end, true, got)) {
        any = true;
        if (ft__numbers_agree(t, got, expected)) break;
    }
    return any;
}

/* Looks at all answers of a row, so that a bad one is an error wherever it stands. */
static bool ft__numbers_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                              ft_score *score) {
    const ft__numbers_tolerance *t = (const ft__numbers_tolerance *)e->state;
    ft__answers answers;
    ft__numbers_reader x;
    char excerpt[64], other[64];
    if (!ft__answers_find(&answers, row, score)) return true;
    ft__numbers_init(&x, &e->arena.allocator);
    for (const ft__json *value; (value = ft__answers_next(&answers)) != NULL;) {
        ft__view text = ft__json_as_text(value);
        ft__numbers_found expected, got;
        if (!ft__numbers_read(&x, text, true, &expected) &&
            !ft__numbers_at(&x, text, FT__NUMBERS_END, true, &expected)) {
            ft__score_error(score, "there is no number in the expected text \"%s\"",
                            ft__text_excerpt(text, excerpt));
            break;
        }
        if (score->value > 0) continue;
        score->n_spans = 0;
        if (!ft__numbers_look(&x, t, output, &expected, &got)) {
            ft__score_detail(score, "no number in the output");
            continue;
        }
        size_t begin = (size_t)(got.word.text - output.text);
        ft__score_span(score, begin, begin + got.word.n, "number");
        score->value = ft__numbers_agree(t, &got, &expected);
        ft__score_detail(score, "expected %s, found %s", ft__text_excerpt(expected.word, excerpt),
                         ft__text_excerpt(got.word, other));
    }
    if (score->value > 0 && score->state == FT_SCORED) score->detail[0] = 0; /* needs no reason */
    return ft__numbers_done(&x);
}

FT__PRIV const ft__evaluator_kind *ft__numbers_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"numeric_match",
          "the last number of the output (or where location says) is the expected one", "expected",
          "{\"location\": \"end\", \"tolerance_abs\": 0, \"tolerance_rel\": 0, \"threshold\": 1}",
          0, 1, true, 1, "numeric_match|inspect-words|v1", FT_FROM_TEXT},
         0, ft__numbers_prepare, ft__numbers_score, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
