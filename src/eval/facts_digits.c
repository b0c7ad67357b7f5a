/* What begins with a digit: "1,000", "3.5", "21st", "1990s", "5%"; dates as "2021-03-12",
   "12/03/2021" (any of its two days) and "12.3.2021"; times of day; and what turns out to be an id
   ("4x4", "007"). */
#include "facts_read.h"

static const char *ft__facts_digits(const char *p, const char *end) {
    while (p < end && ft__ascii_digit(*p)) p++;
    return p;
}

static int ft__facts_small(const char *p, const char *end) {
    int v = 0;
    for (; p < end && v < 100000; p++) v = 10 * v + (*p - '0');
    return v;
}

/* 2021-03-12, 12/03/2021, 12.3.2021 */
static bool ft__facts_date(ft__facts_reader *r, const char **p) {
    const char *part[3], *stop[3], *q = *p;
    for (int i = 0; i < 3; i++) {
        part[i] = q;
        stop[i] = q = ft__facts_digits(q, r->end);
        if (q == part[i] || q - part[i] > 4) return false;
        if (i == 2) break;
        if (q == r->end || !strchr("-/.", *q) || *q == 0 || (i == 1 && *q != *stop[0]))
            return false;
        q++;
    }
    int a = ft__facts_small(part[0], stop[0]), b = ft__facts_small(part[1], stop[1]);
    int c = ft__facts_small(part[2], stop[2]);
    bool iso = stop[0] - part[0] == 4, late = stop[2] - part[2] == 4;
    if (iso == late || (q < r->end && (ft__ascii_alnum(*q) ||
                                       (*q == '.' && q + 1 < r->end && ft__ascii_digit(q[1])))))
        return false;
    int day = iso ? c : a, month = b;
    if (late && month > 12) day = b, month = a;
    if (day < 1 || day > 31 || month < 1 || month > 12) return false;
    ft__facts_item *item = ft__facts_item_add(r, FT__ITEM_DATE, *p, q);
    item->year = iso ? a : c;
    item->month = month;
    item->day = day;
    item->swap = late && *stop[0] != '.' && day <= 12 && day != month;
    *p = q;
    return true;
}

/* 9:30, 17:00:00; in minutes */
static bool ft__facts_clock(ft__facts_reader *r, const char **p) {
    const char *q = ft__facts_digits(*p, r->end);
    if (q - *p > 2 || r->end - q < 3 || *q != ':' || !ft__ascii_digit(q[1]) ||
        !ft__ascii_digit(q[2]) || (r->end - q > 3 && ft__ascii_digit(q[3])))
        return false;
    int hour = ft__facts_small(*p, q), minute = ft__facts_small(q + 1, q + 3);
    if (hour > 24 || minute > 59) return false;
    q += 3;
    if (r->end - q > 2 && *q == ':' && ft__ascii_digit(q[1]) && ft__ascii_digit(q[2])) q += 3;
    ft__facts_item *item = ft__facts_item_add(r, FT__ITEM_CLOCK, *p, q);
    item->value = 60 * hour + minute;
    *p = q;
    return true;
}

/* A comma or a narrow blank before a group of three digits: how many bytes; 0: none. */
static size_t ft__facts_group(const char *p, const char *end) {
    size_t n = 0;
    if (end - p > 3 && *p == ',') n = 1;
    else if (end - p > 4 && memcmp(p, "\xC2\xA0", 2) == 0) n = 2;
    else if (end - p > 5 &&
             (memcmp(p, "\xE2\x80\xAF", 3) == 0 || memcmp(p, "\xE2\x80\x89", 3) == 0))
        n = 3;
    return n && ft__facts_digits(p + n, end) - (p + n) == 3 ? n : 0;
}

static const char *ft__facts_number_suffix(ft__facts_reader *r, ft__facts_item *item,
                                           const char *q) {
    static const char *const ordinals[] = {"st", "nd", "rd", "th"};
    const char *end = r->end;
    for (size_t i = 0; i < FT__COUNT(ordinals) && item->plain && end - q >= 2; i++)
        if (memcmp(q, ordinals[i], 2) == 0 && (end - q == 2 || !ft__ascii_alnum(q[2]))) {
            item->ordinal = true;
            return q + 2;
        }
    if (item->plain && q < end && *q == 's' && (end - q == 1 || !ft__ascii_alnum(q[1])))
        return q + 1;
    const char *sign = q;
    while (sign < end && *sign == ' ' && sign - q < 2) sign++;
    if (sign < end && *sign == '%') {
        item->dim = FT__DIM_PERCENT;
        return sign + 1;
    }
    return q;
}

/* Letters directly behind digits: a unit, a factor or "pm"; else it was an id ("4x4", "3D"). */
static bool ft__facts_suffix_is_code(ft__facts_reader *r, const char *q) {
    const char *stop = q;
    if (q == r->end || !ft__ascii_letter(*q)) return false;
    while (stop < r->end && ft__ascii_letter(*stop)) stop++;
    if (stop < r->end && ft__ascii_digit(*stop)) return true;
    ft__facts_lower(r->words, q, stop);
    ft__view low = {r->words->low.data, r->words->low.len};
    if (r->words->low.failed) return false;
    static const char *const known[] = {"am", "pm", "st", "nd", "rd", "th", "m", "s"};
    for (size_t i = 0; i < FT__COUNT(known); i++)
        if (ft__text_equal(low.text, low.n, known[i], strlen(known[i]))) return false;
    return !(ft__facts_exact_flags(r->words->lexicon, low) & (FT__WORD_UNIT | FT__WORD_SCALE));
}

FT__PRIV const char *ft__facts_add_number(ft__facts_reader *r, const char *p) {
    char text[64];
    size_t n = 0, group;
    const char *end = r->end, *from = p, *q = ft__facts_digits(p, end);
    bool plain = true,
         minus = p > r->base && p[-1] == '-' && (p - 1 == r->base || p[-2] == ' ' || p[-2] == '(');
    if (ft__facts_date(r, &p) || ft__facts_clock(r, &p)) return p;
    const char *code = q - p < 48 ? ft__facts_code(p, end) : NULL;
    bool dots = code && code > q && *q == '.' && memchr(q + 1, '.', (size_t)(code - q - 1));
    if (q - p > 15 || (q - p > 1 && *p == '0' && (q == end || *q != '.')) || dots ||
        ft__facts_suffix_is_code(r, q)) {
        const char *stop = code && code > q ? code : q;
        if (!dots && !ft__facts_suffix_is_code(r, q)) stop = q;
        ft__facts_add_id(r, p, stop, false);
        return stop;
    }
    for (; p < q; p++) text[n++] = *p;
    while (q - from < 4 + 4 * 4 && (group = ft__facts_group(q, end)) != 0) {
        memcpy(text + n, q + group, 3);
        n += 3;
        q += group + 3;
        plain = false;
    }
    if (end - q > 1 && (*q == '.' || *q == ',') && ft__ascii_digit(q[1])) {
        const char *stop = ft__facts_digits(q + 1, end);
        bool list = *q == ',' && (!plain || (stop < end && *stop == ',') || stop - q == 4);
        if (stop - q < 24 && !list) {
            text[n++] = '.';
            for (q++; q < stop; q++) text[n++] = *q;
            plain = false;
        }
    }
    ft__facts_item *item = ft__facts_item_add(r, FT__ITEM_DIGITS, from, q);
    if (!ft__number_parse(text, n, &item->value)) item->value = 0;
    if (minus) item->value = -item->value;
    item->plain = plain && !minus;
    item->dim = r->currency;
    r->currency = 0;
    q = ft__facts_number_suffix(r, item, q);
    item->end = (size_t)(q - r->base);
    return q;
}
