/* From items to numbers and dates: "two hundred and five", "$3.5 million", "two weeks" = "14 days",
   "9 pm" = "21:00", "12 March 2021".

   A fact has classes that it shows, keys such as "#R0:30" for any 30, and classes of which one has
   to be shown for its support: "30" is supported by "30 days", "30 weeks" is not; "in 2021" by a
   day of that year; "12 March" by a 12 March of any year. */
#include "facts_read.h"

FT__PRIV bool ft__facts_is(const ft__facts_reader *r, const ft__facts_item *item,
                           const char *word) {
    if (item->kind != FT__ITEM_WORD) return false;
    ft__view v = r->words->surfaces.texts[item->word];
    return ft__text_equal(v.text, v.n, word, strlen(word));
}

FT__PRIV bool ft__facts_is_any(const ft__facts_reader *r, const ft__facts_item *item,
                               const char *const *words, size_t n) {
    for (size_t i = 0; item && i < n; i++)
        if (ft__facts_is(r, item, words[i])) return true;
    return false;
}

/* Classes of numbers: "#R0:30" for any 30, "#U0:30" for one without a measure, "#D3:1209600" ... */
static uint32_t ft__facts_number_key(ft__facts_words *w, char kind, int dim, double value) {
    char text[64];
    int n = snprintf(text, sizeof text, "#%c%d:", kind, dim);
    /* Products of units are rounded, so that the same quantity has the same text. */
    if (value < 1e9 && value > -1e9) value = ft__floor(value * 1e6 + 0.5) / 1e6;
    ft__view v = {text, (size_t)n + ft__number_write(value, text + n)};
    return ft__facts_key(w, v);
}

static uint32_t ft__facts_date_key(ft__facts_words *w, int year, int month, int day) {
    char text[64];
    ft__view v = {text, (size_t)snprintf(text, sizeof text, "#d%d-%d-%d", year, month, day)};
    return ft__facts_key(w, v);
}

FT__PRIV ft__fact *ft__facts_emit(ft__facts_reader *r, int kind, size_t begin, size_t end,
                                  uint32_t clause) {
    ft__facts *t = r->out;
    if (!ft__grow(&r->words->arena.allocator, (void **)&t->facts, &t->cap_facts, t->n_facts + 1,
                  sizeof *t->facts)) {
        r->words->failed = true;
        return NULL;
    }
    ft__fact *fact = &t->facts[t->n_facts++];
    memset(fact, 0, sizeof *fact);
    memset(fact->shows, 0xFF, sizeof fact->shows);
    memset(fact->accepts, 0xFF, sizeof fact->accepts);
    fact->before = fact->after = FT__FACTS_NONE;
    fact->kind = kind;
    fact->begin = begin;
    fact->end = end;
    fact->clause = clause;
    return fact;
}

/* `half`: 0 before noon, 1 after it, 2 unknown. */
static void ft__facts_set_clock(ft__facts_words *w, ft__fact *fact, double minutes, int half) {
    if (minutes >= 720 && half == 2) half = 1; /* 17:00 */
    double face = minutes >= 720 ? minutes - 720 : minutes;
    if (face >= 720) face -= 720;
    fact->dim = FT__DIM_CLOCK;
    fact->value = face + 720 * half;
    fact->shows[1] = ft__facts_number_key(w, "ap?"[half], FT__DIM_CLOCK, face);
    fact->shows[2] = ft__facts_number_key(w, 'c', FT__DIM_CLOCK, face);
    fact->accepts[0] = half == 2 ? fact->shows[2] : fact->shows[1];
    if (half != 2) fact->accepts[1] = ft__facts_number_key(w, '?', FT__DIM_CLOCK, face);
}

static void ft__facts_set_number(ft__facts_words *w, ft__fact *fact, double value, int dim,
                                 double factor) {
    uint32_t any = ft__facts_number_key(w, 'R', 0, value);
    fact->value = value;
    fact->dim = dim;
    fact->shows[0] = any;
    if (dim == FT__DIM_NONE || dim == FT__DIM_YEAR) {
        fact->shows[1] = ft__facts_number_key(w, 'U', 0, value);
        fact->accepts[0] = any;
        return;
    }
    fact->value = value * factor;
    fact->shows[1] = ft__facts_number_key(w, 'D', dim, value * factor);
    fact->accepts[0] = fact->shows[1];
    fact->accepts[1] = ft__facts_number_key(w, 'U', 0, value);
}

static void ft__facts_set_date(ft__facts_words *w, ft__fact *fact, int year, int month, int day) {
    fact->value = 10000.0 * year + 100 * month + day;
    fact->shows[0] = ft__facts_date_key(w, 0, month, day);
    fact->shows[1] = year ? ft__facts_date_key(w, year, month, day)
                          : ft__facts_date_key(w, -1, month, day); /* in no year */
    fact->shows[2] = ft__facts_date_key(w, 0, month, 0);
    if (year) fact->shows[3] = ft__facts_date_key(w, year, month, 0);
    fact->accepts[0] = ft__facts_date_key(w, year, month, day);
    if (year) fact->accepts[1] = ft__facts_date_key(w, -1, month, day);
}

FT__PRIV void ft__facts_emit_word(ft__facts_reader *r, const ft__facts_item *item, uint32_t flags,
                                  uint32_t clause) {
    ft__facts *t = r->out;
    if (!ft__grow(&r->words->arena.allocator, (void **)&t->tokens, &t->cap_tokens, t->n_tokens + 1,
                  sizeof *t->tokens)) {
        r->words->failed = true;
        return;
    }
    ft__facts_token *token = &t->tokens[t->n_tokens++];
    token->begin = item->begin;
    token->end = item->end;
    token->word = item->word;
    token->class_id = r->words->words[item->word].class_id;
    token->flags = item->flags | flags;
    token->clause = clause;
}

/* The year's own fact: "in 2021" is supported by "on 12 March 2021". */
static void ft__facts_emit_year(ft__facts_reader *r, int year, size_t begin, size_t end,
                                uint32_t clause) {
    ft__fact *fact = ft__facts_emit(r, FT__FACT_NUMBER, begin, end, clause);
    if (!fact) return;
    ft__facts_set_number(r->words, fact, year, FT__DIM_YEAR, 1);
}

static int ft__facts_month(ft__facts_reader *r, size_t i) {
    const ft__facts_item *item = ft__facts_at(r, i), *before = i ? &r->items[i - 1] : NULL;
    if (!item || item->kind != FT__ITEM_WORD || !(item->flags & FT__WORD_CAPITAL)) return 0;
    if (item->flags & FT__WORD_MONTH) return (int)r->words->words[item->word].value;
    /* "May" takes a number beside it or one of these before it. */
    static const char *const before_may[] = {"in",    "of",   "by",   "since",
                                             "until", "last", "from", "on"};
    const ft__facts_item *after = ft__facts_at(r, i + 1);
    bool number =
        (before && before->kind == FT__ITEM_DIGITS) || (after && after->kind == FT__ITEM_DIGITS);
    bool may = ft__facts_is(r, item, "may") && !(item->flags & FT__WORD_FIRST);
    return may && (number || ft__facts_is_any(r, before, before_may, FT__COUNT(before_may))) ? 5
                                                                                             : 0;
}

static int ft__facts_day(const ft__facts_item *item) {
    bool day = item && item->kind == FT__ITEM_DIGITS && item->plain && item->value >= 1 &&
               item->value <= 31 && !item->dim;
    return day ? (int)item->value : 0;
}

static int ft__facts_year(const ft__facts_item *item) {
    bool year = item && item->kind == FT__ITEM_DIGITS && item->plain && item->value >= 1000 &&
                item->value < 2200 && !item->dim && !item->ordinal;
    return year ? (int)item->value : 0;
}

static void ft__facts_emit_date(ft__facts_reader *r, int year, int month, int day, size_t begin,
                                size_t end, uint32_t clause) {
    ft__fact *fact = ft__facts_emit(r, FT__FACT_DATE, begin, end, clause);
    if (!fact) return;
    ft__facts_set_date(r->words, fact, year, month, day);
    if (!day || (fact = ft__facts_emit(r, FT__FACT_NUMBER, begin, end, clause)) == NULL) return;
    ft__facts_set_number(r->words, fact, day, FT__DIM_NONE, 1); /* "from 12 to 14 July" */
    fact->soft = true;
}

/* The other day of "12 to 14 July", "July 12-14", with how many items it takes; 0: none. */
static int ft__facts_other_day(ft__facts_reader *r, size_t i, size_t *used) {
    const ft__facts_item *to = ft__facts_at(r, i);
    static const char *const words[] = {"to", "and", "until", "through"};
    bool word = ft__facts_is_any(r, to, words, FT__COUNT(words));
    *used = word ? 2 : 1;
    const ft__facts_item *other = ft__facts_at(r, i + word);
    if (!other || other->kind != FT__ITEM_DIGITS || (other->flags & FT__WORD_COMMA)) return 0;
    bool close = word || other->begin - r->items[i - 1].end <= 3;
    return close ? ft__facts_day(other) : 0;
}

/* A date made of words that begins with item i: how many items; 0: none. */
FT__PRIV size_t ft__facts_read_date(ft__facts_reader *r, size_t i, uint32_t clause) {
    ft__facts_words *w = r->words;
    size_t j = i;
    int day = ft__facts_day(&r->items[i]), month, year = 0, other = 0;
    size_t more = 0;
    if (r->items[i].kind == FT__ITEM_DATE) {
        const ft__facts_item d = r->items[i];
        ft__fact *fact = ft__facts_emit(r, FT__FACT_DATE, d.begin, d.end, clause);
        if (!fact) return 1;
        ft__facts_set_date(w, fact, d.year, d.month, d.day);
        if (d.swap) { /* shows both days; supported by either */
            fact->accepts[2] = ft__facts_date_key(w, d.year, d.day, d.month);
            fact = ft__facts_emit(r, FT__FACT_DATE, d.begin, d.end, clause);
            if (!fact) return 1;
            ft__facts_set_date(w, fact, d.year, d.day, d.month);
            fact->soft = true;
        }
        ft__facts_emit_year(r, d.year, d.begin, d.end, clause);
        return 1;
    }
    if (day) {
        j++;
        if (!ft__facts_month(r, j) && (other = ft__facts_other_day(r, j, &more)) != 0) j += more;
        if (j < r->n && ft__facts_is(r, &r->items[j], "of")) j++;
    }
    month = ft__facts_month(r, j);
    if (!month) return 0;
    j++;
    if (!day && (day = ft__facts_day(ft__facts_at(r, j))) != 0) {
        j++;
        other = ft__facts_other_day(r, j, &more);
        const ft__facts_item *behind = ft__facts_at(r, j + more);
        if (other && (ft__facts_month(r, j + more) || ft__facts_has(behind, FT__WORD_UNIT)))
            other = 0;
        if (other) j += more;
    }
    size_t k = j < r->n && ft__facts_is(r, &r->items[j], "of") ? j + 1 : j;
    if ((year = ft__facts_year(ft__facts_at(r, k))) != 0) j = k + 1;
    if (!day && !year && (r->items[i].flags & FT__WORD_FIRST)) return 0; /* "March on!" */
    size_t begin = r->items[i].begin, end = r->items[j - 1].end;
    ft__facts_emit_date(r, year, month, day, begin, end, clause);
    if (other) ft__facts_emit_date(r, year, month, other, begin, end, clause);
    if (year) ft__facts_emit_year(r, year, begin, end, clause);
    return j - i;
}

/* May a word for a number go on with this one?  "twenty" with "five", not "two" with "three". */
static bool ft__facts_goes_on(double so_far, double value) {
    int rest = (int)so_far % 100;
    if (value < 10) return rest == 0 || (rest >= 20 && rest % 10 == 0);
    return rest == 0;
}

/* The items of a number from i on: where they end, and its value. */
static size_t ft__facts_read_value(ft__facts_reader *r, size_t i, double *value) {
    double total = 0, part = 0;
    size_t j = i;
    bool digits = r->items[i].kind == FT__ITEM_DIGITS;
    for (; j < r->n; j++) {
        const ft__facts_item *item = &r->items[j];
        if (j > i && (item->flags & FT__WORD_PARTED)) break;
        if (item->kind == FT__ITEM_DIGITS && j == i) {
            part = item->value;
            continue;
        }
        if (item->kind != FT__ITEM_WORD) break;
        const ft__facts_word *word = &r->words->words[item->word];
        bool glued = (item->flags & FT__WORD_GLUED) != 0;
        bool one = ft__facts_is(r, item, "one");
        bool number = (item->flags & FT__WORD_NUMBER) && !word->dim &&
                      (!(item->flags & FT__WORD_SOFT) || one);
        if (digits && glued && ft__facts_is(r, item, "m") &&
            (r->items[i].dim || (item->flags & FT__WORD_CAPITAL))) {
            part *= 1e6; /* "$5m", "5M" */
        } else if (item->flags & FT__WORD_SCALE) {
            if (ft__facts_is(r, item, "k") && !glued) break;
            if (word->value < 1000) {
                part = (part > 0 ? part : 1) * word->value;
            } else {
                total += (part > 0 ? part : 1) * word->value;
                part = 0;
            }
        } else if (number && !digits && (j == i || ft__facts_goes_on(part, word->value))) {
            part += word->value;
        } else if (!(ft__facts_is(r, item, "and") && part >= 100 && !digits && j + 1 < r->n &&
                     ft__facts_has(&r->items[j + 1], FT__WORD_NUMBER))) {
            break;
        }
    }
    *value = total + part;
    return j;
}

/* The unit at item j, perhaps behind a word such as "business": how many items. */
static size_t ft__facts_read_unit(ft__facts_reader *r, size_t j, int *dim, double *factor) {
    static const char *const fillers[] = {
        "business", "working", "calendar", "consecutive", "full", "more",   "additional", "extra",
        "further",  "whole",   "us",       "usa",         "per",  "square", "cubic",      "metric"};
    const ft__facts_item *item = ft__facts_at(r, j);
    if (!item || item->kind != FT__ITEM_WORD || (item->flags & FT__WORD_PARTED)) return 0;
    if (item->flags & FT__WORD_UNIT) {
        const ft__facts_word *word = &r->words->words[item->word];
        bool letter = item->end - item->begin == 1;
        if (letter && (item->flags & FT__WORD_CAPITAL)) return 0;
        *dim = word->dim;
        *factor = word->value;
        return 1;
    }
    const ft__facts_item *next = ft__facts_at(r, j + 1);
    if (!ft__facts_is_any(r, item, fillers, FT__COUNT(fillers)) ||
        !ft__facts_has(next, FT__WORD_UNIT))
        return 0;
    *dim = r->words->words[next->word].dim;
    *factor = r->words->words[next->word].value;
    if (*dim == FT__DIM_CENT && ft__facts_is(r, item, "per")) *dim = FT__DIM_PERCENT;
    return 2;
}

/* "am", "pm", "o'clock" at item j: 0, 1, 2; or -1. */
static int ft__facts_half_day(ft__facts_reader *r, size_t j) {
    const ft__facts_item *item = ft__facts_at(r, j);
    if (!item || (item->flags & FT__WORD_PARTED)) return -1;
    if (ft__facts_is(r, item, "am")) return 0;
    if (ft__facts_is(r, item, "pm")) return 1;
    return ft__facts_is(r, item, "o'clock") ? 2 : -1;
}

static bool ft__facts_round(double value) {
    while (value >= 100 && ft__floor(value / 10) * 10 == value) value /= 10;
    return value >= 10 && value < 100;
}

/* Does what stands before item i say that the number is not exact? */
static bool ft__facts_is_about(ft__facts_reader *r, size_t i) {
    if (i == 0) return false;
    const ft__facts_item *before = &r->items[i - 1];
    if (ft__facts_has(before, FT__WORD_ABOUT)) return true;
    if (ft__facts_is(r, before, "than") && i > 1) return ft__facts_is(r, &r->items[i - 2], "more");
    static const char *const words[] = {"about", "around", "over", "some"};
    return ft__facts_is_any(r, before, words, FT__COUNT(words));
}

/* A number that begins with item i: how many items; 0: none. */
FT__PRIV size_t ft__facts_read_number(ft__facts_reader *r, size_t i, uint32_t clause) {
    const ft__facts_item first = r->items[i];
    const ft__facts_word *word = first.kind == FT__ITEM_WORD ? &r->words->words[first.word] : NULL;
    double value = first.value, factor = 1;
    int dim = first.dim, half;
    size_t j = i + 1;
    bool alone = word && (first.flags & FT__WORD_SOFT), soft = false;
    if (word && ft__facts_is(r, &first, "a")) { /* "a week" shows 1 week */
        const ft__facts_item *next = ft__facts_at(r, i + 1);
        bool unit = ft__facts_has(next, FT__WORD_UNIT) && next->end - next->begin > 2;
        if (!unit && !ft__facts_has(next, FT__WORD_SCALE)) return 0;
        alone = soft = unit;
        value = 1;
        if (unit) ft__facts_read_unit(r, i + 1, &dim, &factor);
        else j = ft__facts_read_value(r, i + 1, &value);
    } else if (word && !(first.flags & (FT__WORD_NUMBER | FT__WORD_UNIT))) {
        return 0;
    } else if (word && (first.flags & FT__WORD_UNIT)) { /* "USD 5" */
        const ft__facts_item *next = ft__facts_at(r, i + 1);
        if (word->dim < FT__DIM_USD || !(first.flags & FT__WORD_UPPER) || !next || next->dim ||
            next->kind != FT__ITEM_DIGITS)
            return 0;
        dim = word->dim;
        j = ft__facts_read_value(r, i + 1, &value);
    } else if (word && word->dim) {
        value = word->value;
        dim = word->dim;
        soft = alone;
    } else if (first.kind != FT__ITEM_CLOCK && (!alone || ft__facts_is(r, &first, "one"))) {
        j = ft__facts_read_value(r, i, &value);
        soft = alone && j == i + 1;
    } else if (word) {
        value = word->value;
        soft = true;
    }
    if (j == i) return 0; /* a "k" that stands alone */
    if (first.ordinal) dim = FT__DIM_ORDINAL;
    half = first.kind == FT__ITEM_CLOCK || (first.plain && value <= 12) ? ft__facts_half_day(r, j)
                                                                        : -1;
    bool clock = first.kind == FT__ITEM_CLOCK || half >= 0 || dim == FT__DIM_CLOCK;
    size_t units = 0, last = j;
    if (half >= 0) last = ++j;
    else if (!clock && !dim && !(alone && !ft__facts_is(r, &first, "one")))
        units = ft__facts_read_unit(r, j, &dim, &factor);
    if (units) soft = false;
    if (!dim && !word && j == i + 1 && ft__facts_year(&first)) dim = FT__DIM_YEAR;
    ft__fact *fact =
        ft__facts_emit(r, FT__FACT_NUMBER, first.begin, r->items[j + units - 1].end, clause);
    if (!fact) return j - i;
    fact->soft = soft;
    fact->about = ft__facts_is_about(r, i) && ft__facts_round(value);
    ft__facts_set_number(r->words, fact, value, dim == FT__DIM_CLOCK ? 0 : dim, factor);
    if (clock) {
        if (dim == FT__DIM_CLOCK) half = value >= 720;
        else if (first.kind != FT__ITEM_CLOCK) value *= 60;
        ft__facts_set_clock(r->words, fact, value, half < 0 ? 2 : half);
    }
    if (alone && soft) return 0; /* the word itself comes, too */
    for (; units; units--, last++) ft__facts_emit_word(r, &r->items[last], FT__WORD_QUIET, clause);
    return last - i;
}
