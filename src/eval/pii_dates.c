/* Dates, in numbers and with names of months.  All are found, so that none is taken for a telephone
   number; those of a birth, by the cue before them, are personal data. */
#include "pii.h"

static const char *const ft__pii_months[] = {
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep",
    "sept", "oct", "nov", "dec",
    "januar", "februar", "m\xC3\xA4rz", "mai", "juni", "juli", "oktober", "dezember",
    "j\xC3\xA4nner", "okt", "dez",
    "janvier", "f\xC3\xA9vrier", "mars", "avril", "juin", "juillet", "ao\xC3\xBBt", "septembre",
    "octobre", "novembre", "d\303\251cembre",
    "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre",
    "octubre", "noviembre", "diciembre",
    "gennaio", "febbraio", "aprile", "maggio", "giugno", "luglio", "settembre", "ottobre",
    "dicembre",
    "janeiro", "fevereiro", "mar\xC3\xA7o", "maio", "junho", "julho", "setembro", "outubro",
    "novembro", "dezembro",
    "januari", "februari", "maart", "mei", "augustus",
};

/* The end of the letters that begin at p. */
static const char *ft__pii_letters(const ft__pii_scan *s, const char *p) {
    const char *q = p;
    while (q < s->end && q - p < 16 && (ft__ascii_letter(*q) || (uint8_t)*q >= 0x80)) q++;
    return q;
}

static bool ft__pii_is_one_of(const ft__pii_scan *s, const char *p, const char *end,
                              const char *const *words, size_t n_words) {
    for (size_t i = 0; i < n_words; i++) {
        size_t k = 0, n = (size_t)(end - p);
        while (k < n && words[i][k] && ft__pii_low(p + k, s->text) == words[i][k]) k++;
        if (n && k == n && !words[i][k]) return true;
    }
    return false;
}

static bool ft__pii_is_month(const ft__pii_scan *s, const char *p, const char *end) {
    return ft__pii_is_one_of(s, p, end, ft__pii_months, FT__COUNT(ft__pii_months));
}

static bool ft__pii_is_year(const char *p, size_t n) {
    return n == 4 && ((p[0] == '1' && p[1] >= '8') || (p[0] == '2' && p[1] == '0'));
}

/* A day of a month, one to two digits. */
static bool ft__pii_is_day(const char *p, size_t n) {
    return (n == 1 || n == 2) && ft__pii_number(p, n) >= 1 && ft__pii_number(p, n) <= 31;
}

static bool ft__pii_is_month_day(int a, int b) {
    return a >= 1 && b >= 1 && a <= 31 && b <= 31 && (a <= 12 || b <= 12);
}

/* 1990-05-31, 31.5.1990, 5/31/90, 31. 5. 1990, and with the characters for year, month and day.
   Returns the end, or NULL. */
static const char *ft__pii_date_of_numbers(const ft__pii_scan *s, const char *p) {
    static const char *const units[3] = {"\xE5\xB9\xB4", "\xE6\x9C\x88", "\xE6\x97\xA5"};
    int values[3];
    size_t lengths[3];
    const char *parts[3];
    char mark = 0;
    for (int i = 0; i < 3; i++) {
        parts[i] = p;
        lengths[i] = ft__pii_digits(s, p);
        if (lengths[i] < 1 || lengths[i] > 4) return NULL;
        values[i] = ft__pii_number(p, lengths[i]);
        p += lengths[i];
        bool unit = s->end - p >= 3 && memcmp(p, units[i], 3) == 0;
        if (i == 0) mark = unit ? 'u' : ft__pii_at(s, p);
        if (mark == 'u' && !unit) return NULL;
        if (mark == 'u') p += 3;
        else if (i < 2 && ft__pii_at(s, p++) != mark) return NULL;
        if (i < 2 && mark == '.' && ft__pii_at(s, p) == ' ') p++;
    }
    if (mark != '.' && mark != '-' && mark != '/' && mark != 'u') return NULL;
    if (ft__pii_is_year(parts[0], lengths[0])) {
        if (lengths[1] > 2 || lengths[2] > 2 || !ft__pii_is_month_day(values[1], values[2]))
            return NULL;
    } else if (mark == 'u' || lengths[0] > 2 || lengths[1] > 2 ||
               !ft__pii_is_month_day(values[0], values[1]) ||
               (lengths[2] != 2 && !ft__pii_is_year(parts[2], lengths[2])))
        return NULL;
    return p;
}

/* At most one blank, comma and so on, and one blank. */
static const char *ft__pii_skip(const ft__pii_scan *s, const char *p, const char *marks) {
    if (p < s->end && *p && strchr(marks, *p)) p++;
    return ft__pii_at(s, p) == ' ' ? p + 1 : p;
}

/* 1st, 2nd, 1er, 3. */
static const char *ft__pii_skip_ordinal(const ft__pii_scan *s, const char *p) {
    static const char *const endings[] = {"st", "nd", "rd", "th", "er", "\xC2\xBA", "\xC2\xAA"};
    const char *end = ft__pii_letters(s, p);
    return ft__pii_is_one_of(s, p, end, endings, FT__COUNT(endings)) ? end : p;
}

/* "of", "de" and so on, with its blank. */
static const char *ft__pii_skip_of(const ft__pii_scan *s, const char *p) {
    static const char *const words[] = {"of", "de", "del", "di", "den"};
    const char *end = ft__pii_letters(s, p);
    if (ft__pii_at(s, end) != ' ' || !ft__pii_is_one_of(s, p, end, words, FT__COUNT(words)))
        return p;
    return end + 1;
}

/* The end of a year of four digits at p, or NULL. */
static const char *ft__pii_year_end(const ft__pii_scan *s, const char *p) {
    size_t n = ft__pii_digits(s, p);
    return ft__pii_is_year(p, n) ? p + n : NULL;
}

/* 3 May 1990, 3rd of May, 1990, 3. Mai 1990, 3 de mayo de 1990, 03-May-1990 */
static const char *ft__pii_date_from_day(const ft__pii_scan *s, const char *p) {
    size_t n = ft__pii_digits(s, p);
    if (!ft__pii_is_day(p, n)) return NULL;
    p = ft__pii_skip(s, ft__pii_skip_ordinal(s, p + n), ".-/");
    p = ft__pii_skip_of(s, p);
    const char *end = ft__pii_letters(s, p);
    if (!ft__pii_is_month(s, p, end)) return NULL;
    return ft__pii_year_end(s, ft__pii_skip_of(s, ft__pii_skip(s, end, ".,-/")));
}

/* May 3, 1990, with the day at p; moves *begin to the month. */
static const char *ft__pii_date_from_month(const ft__pii_scan *s, const char *p,
                                           const char **begin) {
    size_t n = ft__pii_digits(s, p);
    const char *end = p, *month;
    if (!ft__pii_is_day(p, n) || end - s->free < 4 || *--end != ' ') return NULL;
    if (end[-1] == '.') end--;
    for (month = end; month > s->free && end - month < 12; month--)
        if (!ft__ascii_letter(month[-1]) && (uint8_t)month[-1] < 0x80) break;
    if (!ft__pii_is_month(s, month, end)) return NULL;
    *begin = month;
    return ft__pii_year_end(s, ft__pii_skip(s, ft__pii_skip_ordinal(s, p + n), ","));
}

/* Any date is passed over; the one of a birth counts. */
FT__PRIV bool ft__pii_date(ft__pii_scan *s, const char *p, ft__pii_span *span) {
    const char *end;
    if (!ft__pii_opens(s, p)) return false;
    span->begin = p;
    end = ft__pii_date_of_numbers(s, p);
    if (!end) end = ft__pii_date_from_day(s, p);
    if (!end) end = ft__pii_date_from_month(s, p, &span->begin);
    if (!end) return false;
    bool time = ft__pii_at(s, end) == 'T' && ft__ascii_digit(ft__pii_at(s, end + 1));
    if (!time && !ft__pii_closes(s, end)) return false;
    span->type = ft__pii_is_birth(s, span->begin) ? FT__PII_DATE_OF_BIRTH : FT__PII_NONE;
    span->end = s->date_end = end;
    return true;
}
