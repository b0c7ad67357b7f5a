/* Numbers of people's things: IBAN, cards and social security numbers, which can be checked, and
   telephone numbers, of which only form and length tell. */
#include "pii.h"

/* ---- numbers with a checksum */

typedef struct ft__pii_country {
    char code[3];
    uint8_t length; /* of its IBAN */
} ft__pii_country;

/* SWIFT's registry of IBAN formats, 2024, and the countries that use them without being in it. */
static const ft__pii_country ft__pii_countries[] = {
    {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22},
    {"BH", 22}, {"BI", 27}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24},
    {"DE", 22}, {"DJ", 27}, {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18},
    {"FK", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27},
    {"GT", 28}, {"HN", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26},
    {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20},
    {"LU", 20}, {"LV", 21}, {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MN", 20},
    {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NI", 28}, {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24},
    {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"RU", 33}, {"SA", 24},
    {"SC", 31}, {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25},
    {"SV", 28}, {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20},
    {"YE", 30},
};

static int ft__pii_mod97(int rest, char c) {
    return ft__ascii_digit(c) ? (rest * 10 + (c - '0')) % 97 : (rest * 100 + (c - 'A') + 10) % 97;
}

/* p: the check digits.  Written without blanks, or in groups of four. */
FT__PRIV bool ft__pii_iban(const ft__pii_scan *s, const char *p, ft__pii_span *span) {
    const char *begin = p - 2, *q = p + 2;
    size_t length = 0;
    int rest = 0;
    if (p - s->free < 2 || !ft__ascii_upper(begin[0]) || !ft__ascii_upper(begin[1]) ||
        ft__ascii_word(ft__pii_before(s, begin)) || ft__pii_digits(s, p) < 2)
        return false;
    for (size_t i = 0; i < FT__COUNT(ft__pii_countries); i++)
        if (memcmp(ft__pii_countries[i].code, begin, 2) == 0) length = ft__pii_countries[i].length;
    bool grouped = ft__pii_at(s, q) == ' ';
    for (size_t n = 4; n < length; n++, q++) {
        if (grouped && n % 4 == 0 && ft__pii_at(s, q++) != ' ') return false;
        char c = ft__pii_at(s, q);
        if (!ft__ascii_digit(c) && !ft__ascii_upper(c)) return false;
        rest = ft__pii_mod97(rest, c);
    }
    for (const char *c = begin; c < begin + 4; c++) rest = ft__pii_mod97(rest, *c);
    span->type = rest == 1 ? FT__PII_IBAN : FT__PII_NONE;
    span->begin = begin;
    span->end = q;
    return length && !ft__ascii_word(ft__pii_at(s, q));
}

typedef struct ft__pii_brand {
    int first, last, n_prefix; /* the prefix of so many digits lies between these */
    size_t shortest, longest;
} ft__pii_brand;

static const ft__pii_brand ft__pii_brands[] = {
    {4, 4, 1, 13, 13},       {4, 4, 1, 16, 16},     {51, 55, 2, 16, 16},
    {2221, 2720, 4, 16, 16}, {34, 34, 2, 15, 15},   {37, 37, 2, 15, 15},
    {6011, 6011, 4, 16, 16}, {644, 649, 3, 16, 16}, {65, 65, 2, 16, 16},
    {3528, 3589, 4, 16, 16}, {300, 305, 3, 14, 14}, {36, 36, 2, 14, 14},
    {38, 38, 2, 14, 14},
};

static bool ft__pii_is_card(const char *digits, size_t n) {
    int sum = 0;
    for (size_t i = 0; i < n; i++) {
        int d = digits[n - 1 - i] - '0';
        if (i % 2) d = d < 5 ? 2 * d : 2 * d - 9;
        sum += d;
    }
    for (size_t i = 0; sum % 10 == 0 && i < FT__COUNT(ft__pii_brands); i++) {
        const ft__pii_brand *b = &ft__pii_brands[i];
        int prefix = ft__pii_number(digits, (size_t)b->n_prefix);
        if (prefix >= b->first && prefix <= b->last && n >= b->shortest && n <= b->longest)
            return true;
    }
    return false;
}

FT__PRIV bool ft__pii_card(const ft__pii_scan *s, const char *p, ft__pii_span *span) {
    static const uint8_t shapes[][4] = {{4, 4, 4, 4}, {4, 6, 5, 0}, {4, 6, 4, 0}, {4, 3, 3, 3}};
    char digits[16];
    size_t n = ft__pii_digits(s, p);
    bool found = false;
    if (!ft__pii_opens(s, p)) return false;
    if (n >= 13 && n <= 16) {
        memcpy(digits, p, n);
        span->end = p + n;
        found = p[0] != '0' && ft__pii_closes(s, span->end);
    }
    char blank = ft__pii_at(s, p + n);
    for (size_t i = 0; n == 4 && !found && i < FT__COUNT(shapes); i++) {
        const char *q = p;
        size_t k = 0, used = 0;
        for (; k < 4 && shapes[i][k]; k++) {
            if (k && (ft__pii_at(s, q) != blank || (blank != ' ' && blank != '-'))) break;
            if (k) q++;
            if (ft__pii_digits(s, q) != shapes[i][k]) break;
            memcpy(digits + used, q, shapes[i][k]);
            used += shapes[i][k];
            q += shapes[i][k];
        }
        found = (k == 4 || !shapes[i][k]) && ft__pii_closes(s, q);
        span->end = q;
        if (found) n = used;
    }
    span->begin = p;
    span->type = found && ft__pii_is_card(digits, n) ? FT__PII_CREDIT_CARD : FT__PII_NONE;
    return found;
}

FT__PRIV bool ft__pii_ssn(const ft__pii_scan *s, const char *p, ft__pii_span *span) {
    if (s->end - p < 11 || ft__pii_digits(s, p) != 3 || p[3] != '-' ||
        ft__pii_digits(s, p + 4) != 2 || p[6] != '-' || ft__pii_digits(s, p + 7) != 4 ||
        !ft__pii_opens(s, p) || !ft__pii_closes(s, p + 11))
        return false;
    int area = ft__pii_number(p, 3);
    bool fine = area && area != 666 && area < 900 && ft__pii_number(p + 4, 2) &&
                ft__pii_number(p + 7, 4);
    span->type = fine ? FT__PII_US_SSN : FT__PII_NONE;
    span->begin = p;
    span->end = p + 11;
    return true;
}

/* ---- telephone numbers */

enum { FT__PII_MAX_GROUPS = 8 };

/* A number as it is written: groups of digits with single marks between them, one group perhaps in
   parentheses. */
typedef struct ft__pii_groups {
    int n;
    const char *digits[FT__PII_MAX_GROUPS];
    size_t length[FT__PII_MAX_GROUPS];
    char mark[FT__PII_MAX_GROUPS + 1]; /* before the group; after the last, before more digits */
    bool paren[FT__PII_MAX_GROUPS];
} ft__pii_groups;

/* The blank or hyphen at p, also the ones that do not break; moves past it.  0: there is none. */
static char ft__pii_mark(const ft__pii_scan *s, const char **p) {
    char c = ft__pii_at(s, *p);
    size_t left = (size_t)(s->end - *p);
    if (c == ' ' || c == '-' || c == '.' || c == '/') {
        ++*p;
        return c;
    }
    if (left >= 2 && memcmp(*p, "\xC2\xA0", 2) == 0) {
        *p += 2;
        return ' ';
    }
    if (left >= 3 && (memcmp(*p, "\xE2\x80\xAF", 3) == 0 || memcmp(*p, "\xE2\x80\x91", 3) == 0)) {
        *p += 3;
        return p[0][-1] == '\xAF' ? ' ' : '-';
    }
    return 0;
}

/* Reads the groups from the first digit on.  One that ends within a word or before ":30" is
   none. */
static void ft__pii_read_groups(const ft__pii_scan *s, const char *p, ft__pii_groups *g) {
    bool paren = ft__pii_before(s, p) == '(';
    char mark = 0;
    memset(g, 0, sizeof *g);
    while (g->n < FT__PII_MAX_GROUPS) {
        size_t n = ft__pii_digits(s, p);
        char c = ft__pii_at(s, p + n);
        g->mark[g->n] = n ? mark : (char)0;
        if (n < 1 || n > 15 || ft__ascii_word(c) || c == '@' || (paren && c != ')') ||
            ((c == ':' || c == ',') && ft__ascii_digit(ft__pii_at(s, p + n + 1))))
            break;
        g->digits[g->n] = p;
        g->length[g->n] = n;
        g->paren[g->n++] = paren;
        p += n + paren;
        mark = ft__pii_mark(s, &p);
        if (!mark && paren) mark = ' ';
        paren = ft__pii_at(s, p) == '(';
        p += paren;
        if (!mark && !paren) break;
        if (!mark) mark = ' ';
    }
}

typedef struct ft__pii_plan {
    int code, shortest, longest; /* digits after the country code */
} ft__pii_plan;

/* Lengths of national numbers, from the numbering plans that the ITU publishes. */
static const ft__pii_plan ft__pii_plans[] = {
    {1, 10, 10},  {7, 10, 10},  {20, 8, 10},  {27, 9, 9},   {30, 10, 10}, {31, 9, 9},
    {32, 8, 9},   {33, 9, 9},   {34, 9, 9},   {36, 8, 9},   {39, 6, 11},  {40, 9, 9},
    {41, 9, 9},   {43, 5, 12},  {44, 9, 10},  {45, 8, 8},   {46, 7, 10},  {47, 8, 8},
    {48, 9, 9},   {49, 6, 12},  {51, 8, 9},   {52, 10, 11}, {53, 6, 8},   {54, 10, 11},
    {55, 10, 11}, {56, 9, 9},   {57, 8, 10},  {58, 10, 10}, {60, 8, 10},  {61, 9, 9},
    {62, 7, 12},  {63, 8, 10},  {64, 8, 10},  {65, 8, 8},   {66, 8, 9},   {81, 9, 10},
    {82, 8, 10},  {84, 9, 10},  {86, 9, 11},  {90, 10, 10}, {91, 10, 10}, {92, 9, 10},
    {93, 9, 9},   {94, 9, 9},   {95, 7, 10},  {98, 10, 10}, {212, 9, 9},  {213, 8, 9},
    {216, 8, 8},  {234, 8, 10}, {254, 9, 9},  {351, 9, 9},  {352, 5, 11}, {353, 7, 9},
    {354, 7, 7},  {356, 8, 8},  {357, 8, 8},  {358, 6, 12}, {359, 7, 9},  {370, 8, 8},
    {371, 8, 8},  {372, 7, 8},  {380, 9, 9},  {385, 8, 9},  {386, 8, 8},  {420, 9, 9},
    {421, 9, 9},  {852, 8, 8},  {886, 8, 9},  {966, 8, 9},  {971, 8, 9},  {972, 8, 9},
};

/* Are these digits, which follow a +, a number of a country? */
static bool ft__pii_is_international(const char *digits, int n) {
    for (size_t i = 0; i < FT__COUNT(ft__pii_plans); i++) {
        const ft__pii_plan *plan = &ft__pii_plans[i];
        int n_code = plan->code < 10 ? 1 : plan->code < 100 ? 2 : 3;
        if (n > n_code && ft__pii_number(digits, (size_t)n_code) == plan->code)
            return n - n_code >= plan->shortest && n - n_code <= plan->longest;
    }
    return n >= 9 && n <= 15 && digits[0] != '0';
}

/* The digits of the first k groups; with a + the 0 of "(0)" is none of them.  -1: too many. */
static int ft__pii_join(const ft__pii_groups *g, int k, bool plus, char digits[16]) {
    size_t n = 0;
    for (int i = 0; i < k; i++) {
        if (plus && g->paren[i] && g->length[i] == 1 && *g->digits[i] == '0') continue;
        if (n + g->length[i] > 15) return -1;
        memcpy(digits + n, g->digits[i], g->length[i]);
        n += g->length[i];
    }
    return (int)n;
}

/* 303-945-8561, (303) 945-8561, 1-303-945-8561: the first three digits of both parts are 2 or
   more. */
static bool ft__pii_is_american(const ft__pii_groups *g, int k) {
    int first = k == 4 && g->length[0] == 1 && *g->digits[0] == '1';
    if (k != first + 3 || (first && g->paren[0]) || g->paren[k - 1] || g->paren[k - 2])
        return false;
    const char *area = g->digits[first], *office = g->digits[first + 1];
    bool same = g->paren[first] || g->mark[first + 1] == g->mark[k - 1];
    return same && g->length[first] == 3 && g->length[first + 1] == 3 && g->length[k - 1] == 4 &&
           *area >= '2' && *office >= '2' && g->mark[k - 1] != '/';
}

/* 020 7946 0958, (0161) 496 0000, 0171/1234567, 01 23 45 67 89 */
static bool ft__pii_is_trunk(const ft__pii_groups *g, int k, const char *digits, int n) {
    if (k < 2 || k > 6 || n < 9 || n > (k == 2 ? 12 : 11)) return false;
    if (digits[0] != '0' || digits[1] == '0' || g->length[0] < 2 || g->length[0] > 5) return false;
    for (int i = 1; i < k; i++)
        if (g->length[i] < 2 || g->paren[i] || (g->mark[i] == '/' && i > 1)) return false;
    return true;
}

/* What will do after a word such as "call". */
static bool ft__pii_is_any(const ft__pii_groups *g, int k, int n) {
    for (int i = 1; i < k; i++)
        if (g->length[i] < 2 || g->mark[i] == '/') return false;
    return n >= 7 && n <= 12;
}

static bool ft__pii_is_phone(const ft__pii_groups *g, int k, bool plus, int expected) {
    char digits[16] = "";
    bool zeros = g->length[0] > 2 && memcmp(g->digits[0], "00", 2) == 0;
    int n = ft__pii_join(g, k, plus || zeros, digits);
    if (n < 0) return false;
    if (plus) return ft__pii_is_international(digits, n);
    if (zeros && n > 10 && (k > 1 || expected == FT__PII_CALL))
        return ft__pii_is_international(digits + 2, n - 2);
    if (expected != FT__PII_OTHER && ft__pii_is_american(g, k))
        return expected == FT__PII_CALL || g->mark[k - 1] != ' ' || g->mark[k] != ' ';
    if (expected != FT__PII_OTHER && ft__pii_is_trunk(g, k, digits, n)) return true;
    return expected == FT__PII_CALL && ft__pii_is_any(g, k, n);
}

/* The most groups that make a number; what follows must be parted by more than a hyphen.  After a +
   any 8 to 15 digits will do where the country's plan knows no such length; what is none is passed
   over. */
FT__PRIV bool ft__pii_phone(const ft__pii_scan *s, const char *p, ft__pii_span *span) {
    ft__pii_groups g;
    int n_digits = 0, fitting = 0;
    const char *begin = p;
    if (ft__pii_before(s, begin) == '(') begin--;
    bool plus = ft__pii_before(s, begin) == '+';
    begin -= plus;
    if (begin < s->free || !ft__pii_opens(s, begin)) return false;
    ft__pii_read_groups(s, p, &g);
    for (int i = 0; i < g.n; i++) n_digits += (int)g.length[i];
    if (n_digits < 7) return false;
    int expected = plus ? FT__PII_CALL : ft__pii_expected(s, begin);
    if (expected != FT__PII_CALL && begin - s->free > 1 && begin[-1] == ' ' &&
        ft__ascii_digit(begin[-2]))
        return false; /* one of many numbers */
    for (int k = g.n; k > 0 && !fitting; k--) {
        bool parted = !g.mark[k] || g.mark[k] == ' ';
        if (parted && ft__pii_is_phone(&g, k, plus, expected)) fitting = k;
    }
    if (!plus && !fitting) return false;
    bool loose = !fitting && g.n > 1 && n_digits >= 8 && n_digits <= 15;
    int last = (fitting ? fitting : g.n) - 1;
    span->type = fitting || loose ? FT__PII_PHONE : FT__PII_NONE;
    span->begin = begin;
    span->end = g.digits[last] + g.length[last];
    return true;
}
