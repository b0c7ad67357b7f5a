/* The form of the output, whatever it says.

     length      between min and max chars, words or bytes: 1 or 0
     repetition  1 - distinct n-grams / n-grams, over words (seq-rep-n of S. Welleck et al. 2020);
                 0 where there are fewer than n words
     distinct_n  distinct n-grams / words (distinct-n of J. Li et al. 2016); 0 without words, and
                 never above (words - n + 1) / words
     format      share of the checks asked for that hold, see ft__style_checks
     script      letters of the given scripts / letters; 0 without letters

   Words are those of Python's split(), with their case and punctuation.  Linear in the output.

   Scripts are told by Unicode block, for the scripts that people train models in; a letter of any
   other block belongs to none.  Digits, marks and punctuation do not count. */
#include "eval.h"

/* ---- length */

static const char *const ft__style_units[] = {"chars", "words", "bytes"};

typedef struct ft__style_length {
    int unit;        /* index into ft__style_units */
    double min, max; /* max -1 = none */
} ft__style_length;

static ft_status ft__style_prepare_length(ft_evaluator *e, ft_error *err) {
    const ft__json *min = ft__param(e, "min"), *max = ft__param(e, "max");
    bool has_max = max->type != FT__JSON_NULL;
    ft__style_length *s = (ft__style_length *)ft__arena_alloc(&e->arena, 1, sizeof *s);
    const double most = 9007199254740992.0; /* 2^53 */
    if (!s) return ft__fail_memory(err);
    e->state = s;
    if (!ft__json_is_integer(min, 0, most))
        return ft__param_bad(e, "min", "a whole number, 0 or more", err);
    if (has_max && !ft__json_is_integer(max, min->number, most))
        return ft__param_bad(e, "max", "null or a whole number not below \"min\"", err);
    s->min = min->number;
    s->max = has_max ? max->number : -1;
    return ft__param_choice(e, "unit", ft__style_units, FT__COUNT(ft__style_units), &s->unit,
                            err);
}

static bool ft__style_score_length(const ft_evaluator *e, const ft_row *row, ft__view output,
                                   ft_score *score) {
    const ft__style_length *s = (const ft__style_length *)e->state;
    size_t n = s->unit == 0   ? ft__text_chars(output)
               : s->unit == 1 ? ft__text_words(output)
                              : output.n;
    (void)row;
    score->value = (double)n >= s->min && (s->max < 0 || (double)n <= s->max);
    ft__score_detail(score, "%zu %s", n, ft__style_units[s->unit]);
    return true;
}

/* ---- n-grams of words */

enum { FT__STYLE_REPETITION, FT__STYLE_DISTINCT };

static ft_status ft__style_prepare_ngrams(ft_evaluator *e, ft_error *err) {
    double n, *state = (double *)ft__arena_alloc(&e->arena, 1, sizeof *state);
    ft_status status = ft__param_number(e, "n", 1, 16, true, &n, err);
    if (!state) return ft__fail_memory(err);
    *state = n;
    e->state = state;
    return status;
}

typedef struct ft__style_ngrams {
    ft__view *words;
    uint32_t *ids;             /* of the words */
    size_t n_words, distinct;
    size_t most, most_at;      /* the n-gram that is there most often, and its first word */
} ft__style_ngrams;

typedef struct ft__style_slot {
    uint32_t first, count; /* its first word; 0: a free slot */
} ft__style_slot;

static bool ft__style_words(ft__style_ngrams *g, ft__view text, ft__arena *arena) {
    const char *p = text.text, *end = p + text.n;
    ft__interner numbers;
    size_t count = ft__text_words(text);
    g->words = (ft__view *)ft__arena_alloc(arena, count, sizeof *g->words);
    g->ids = (uint32_t *)ft__arena_alloc(arena, count, sizeof *g->ids);
    if (!g->words || !g->ids) return false;
    ft__interner_init(&numbers, &arena->allocator);
    for (; g->n_words < count; g->n_words++) {
        ft__text_next_word(&p, end, &g->words[g->n_words]);
        g->ids[g->n_words] = ft__interner_id(&numbers, g->words[g->n_words]);
    }
    ft__interner_free(&numbers);
    return !numbers.failed;
}

static bool ft__style_count(ft__style_ngrams *g, size_t n, ft__arena *arena) {
    size_t n_slots = 64;
    while (n_slots / 2 < g->n_words) n_slots *= 2;
    ft__style_slot *slots = (ft__style_slot *)ft__arena_alloc(arena, n_slots, sizeof *slots);
    if (!slots) return false;
    for (size_t i = 0; i + n <= g->n_words; i++) {
        uint64_t hash = 0;
        for (size_t k = 0; k < n; k++) hash = (hash ^ g->ids[i + k]) * 0x9E3779B97F4A7C15u;
        size_t at = (size_t)(hash >> 32) & (n_slots - 1);
        while (slots[at].count &&
               memcmp(g->ids + slots[at].first, g->ids + i, n * sizeof *g->ids) != 0)
            at = (at + 1) & (n_slots - 1);
        if (!slots[at].count++) {
            slots[at].first = (uint32_t)i;
            g->distinct++;
        }
        if (slots[at].count > g->most) {
            g->most = slots[at].count;
            g->most_at = slots[at].first;
        }
    }
    return true;
}

static bool ft__style_score_ngrams(const ft_evaluator *e, const ft_row *row, ft__view output,
                                   ft_score *score) {
    size_t n = (size_t)*(const double *)e->state, total = 0;
    ft__style_ngrams g;
    ft__arena arena;
    (void)row;
    memset(&g, 0, sizeof g);
    ft__arena_init(&arena, &e->arena.allocator);
    bool ok = ft__style_words(&g, output, &arena) && ft__style_count(&g, n, &arena);
    if (ok && e->kind->which == FT__STYLE_DISTINCT) total = g.n_words;
    else if (ok && g.n_words >= n) total = g.n_words - n + 1;
    if (total) score->value = (double)g.distinct / (double)total;
    if (total && e->kind->which == FT__STYLE_REPETITION) score->value = 1 - score->value;
    if (ok && g.most > 1) {
        ft__view first = g.words[g.most_at], last = g.words[g.most_at + n - 1], span = first;
        char excerpt[64];
        span.n = (size_t)(last.text - first.text) + last.n;
        ft__score_detail(score, "%zu times \"%s\"", g.most, ft__text_excerpt(span, excerpt));
        size_t begin = (size_t)(span.text - output.text);
        ft__score_span(score, begin, begin + span.n, "repeated");
    }
    ft__arena_free(&arena);
    return ok;
}

/* ---- format: what is measured, and the checks on it.

   Lines end in LF or CR LF; what follows the last line end is a line if it is not empty.
   Paragraphs are parted by blank lines.  A bullet is a line that begins with "-", "*", "+", U+2022
   or a number with "." or ")", and a blank; within a code fence there are none.  Markdown is a
   heading, a code fence, **bold**, `code` or [a link](...).  A code fence that is never closed is
   neither there nor absent. */

enum {
    FT__STYLE_LINES, FT__STYLE_LINE_CHARS, FT__STYLE_PARAGRAPHS, FT__STYLE_BULLETS,
    FT__STYLE_MARKDOWN, FT__STYLE_FENCE, FT__STYLE_UPPER, FT__STYLE_LOWER,
    FT__STYLE_STARTS_UPPER, FT__STYLE_ENDS_SENTENCE, FT__STYLE_ASCII, FT__STYLE_STRIPPED,
    FT__STYLE_MEASURES
};

typedef enum ft__style_rule { FT__STYLE_LEAST, FT__STYLE_MOST, FT__STYLE_FLAG } ft__style_rule;

typedef struct ft__style_check {
    const char *param;
    int measure;
    ft__style_rule rule;
} ft__style_check;

static const ft__style_check ft__style_checks[] = {
    {"min_lines", FT__STYLE_LINES, FT__STYLE_LEAST},
    {"max_lines", FT__STYLE_LINES, FT__STYLE_MOST},
    {"max_line_chars", FT__STYLE_LINE_CHARS, FT__STYLE_MOST},
    {"min_paragraphs", FT__STYLE_PARAGRAPHS, FT__STYLE_LEAST},
    {"max_paragraphs", FT__STYLE_PARAGRAPHS, FT__STYLE_MOST},
    {"min_bullets", FT__STYLE_BULLETS, FT__STYLE_LEAST},
    {"max_bullets", FT__STYLE_BULLETS, FT__STYLE_MOST},
    {"markdown", FT__STYLE_MARKDOWN, FT__STYLE_FLAG},
    {"code_fence", FT__STYLE_FENCE, FT__STYLE_FLAG},
    {"upper", FT__STYLE_UPPER, FT__STYLE_FLAG}, /* Python's isupper() */
    {"lower", FT__STYLE_LOWER, FT__STYLE_FLAG}, /* Python's islower() */
    {"starts_upper", FT__STYLE_STARTS_UPPER, FT__STYLE_FLAG}, /* the first letter is a capital */
    {"ends_sentence", FT__STYLE_ENDS_SENTENCE, FT__STYLE_FLAG},
    {"ascii", FT__STYLE_ASCII, FT__STYLE_FLAG},
    {"stripped", FT__STYLE_STRIPPED, FT__STYLE_FLAG}, /* no white space at either end */
};

/* What each check wants; -1: it was not asked for. */
typedef struct ft__style_format {
    double wanted[FT__COUNT(ft__style_checks)];
    bool cased; /* upper, lower or starts_upper is among them, which have to look at every letter */
} ft__style_format;

static ft_status ft__style_prepare_format(ft_evaluator *e, ft_error *err) {
    ft__style_format *s = (ft__style_format *)ft__arena_alloc(&e->arena, 1, sizeof *s);
    size_t asked = 0;
    if (!s) return ft__fail_memory(err);
    e->state = s;
    for (size_t i = 0; i < FT__COUNT(ft__style_checks); i++) {
        const ft__style_check *check = &ft__style_checks[i];
        const ft__json *value = ft__param(e, check->param);
        bool yes = value->type == FT__JSON_TRUE, flag = yes || value->type == FT__JSON_FALSE;
        s->wanted[i] = -1;
        if (value->type == FT__JSON_NULL) continue;
        if (check->rule == FT__STYLE_FLAG && !flag)
            return ft__param_bad(e, check->param, "null, true or false", err);
        if (check->rule != FT__STYLE_FLAG && !ft__json_is_integer(value, 0, 1e15))
            return ft__param_bad(e, check->param, "null or a whole number, 0 or more", err);
        s->wanted[i] = flag ? yes : value->number;
        if (check->measure >= FT__STYLE_UPPER && check->measure <= FT__STYLE_STARTS_UPPER)
            s->cased = true;
        asked++;
    }
    if (asked) return FT_OK;
    return ft__fail(err, FT_ERR_ARGUMENT, "", "format needs a check, such as \"max_lines\"");
}

/* The mark that ends a sentence, or what may stand between it and the end. */
static bool ft__style_is_end(uint32_t c) {
    static const uint32_t ends[] = {'.', '!', '?', 0x2026, 0x3002, 0xFF01, 0xFF1F, 0x061F, 0x06D4,
                                    0x0964};
    for (size_t i = 0; i < FT__COUNT(ends); i++)
        if (ends[i] == c) return true;
    return false;
}

static bool ft__style_is_closing(uint32_t c) {
    static const uint32_t closing[] = {'"', '\'', ')', ']', '*', '_', 0xBB, 0x2019, 0x201D, 0x300D,
                                       0x300F, 0xFF09};
    for (size_t i = 0; i < FT__COUNT(closing); i++)
        if (closing[i] == c) return true;
    return false;
}

static void ft__style_measure_case(ft__view text, size_t *measures) {
    const unsigned capital = FT__CLASS_BIT(FT__UNICODE_LU) | FT__CLASS_BIT(FT__UNICODE_LT);
    unsigned seen = 0; /* classes of letters */
    for (const char *p = text.text, *end = p + text.n; p < end;) {
        unsigned bit = FT__CLASS_BIT(ft__char_class_of(ft__utf8_next(&p, end))) & FT__CLASS_L;
        if (bit && !seen) measures[FT__STYLE_STARTS_UPPER] = (bit & capital) != 0;
        seen |= bit;
    }
    seen &= capital | FT__CLASS_BIT(FT__UNICODE_LL);
    measures[FT__STYLE_UPPER] = seen == FT__CLASS_BIT(FT__UNICODE_LU);
    measures[FT__STYLE_LOWER] = seen == FT__CLASS_BIT(FT__UNICODE_LL);
}

static void ft__style_measure_ends(ft__view text, size_t *measures) {
    ft__view inside = ft__text_strip(text);
    uint32_t last = 0; /* that is no blank and closes nothing */
    measures[FT__STYLE_STRIPPED] = inside.n == text.n;
    measures[FT__STYLE_ASCII] = 1;
    for (size_t i = 0; i < text.n; i++)
        if ((uint8_t)text.text[i] >= 0x80) measures[FT__STYLE_ASCII] = 0; /* blanks count, too */
    for (const char *p = inside.text, *end = p + inside.n; p < end;) {
        uint32_t c = ft__utf8_next(&p, end);
        if (c > ' ' && !ft__style_is_closing(c)) last = c;
    }
    measures[FT__STYLE_ENDS_SENTENCE] = ft__style_is_end(last);
}

static bool ft__style_is_blank(char c) { return c == ' ' || c == '\t'; }

/* Lines come here without the blanks in front of them. */
static bool ft__style_is_bullet(ft__view line) {
    size_t i = 0;
    if (line.n > 1 && (line.text[0] == '-' || line.text[0] == '*' || line.text[0] == '+'))
        return ft__style_is_blank(line.text[1]);
    if (line.n > 3 && memcmp(line.text, "\xE2\x80\xA2", 3) == 0)
        return ft__style_is_blank(line.text[3]);
    while (i < line.n && i < 9 && line.text[i] >= '0' && line.text[i] <= '9') i++;
    return i && line.n - i > 1 && (line.text[i] == '.' || line.text[i] == ')') &&
           ft__style_is_blank(line.text[i + 1]);
}

static bool ft__style_is_heading(ft__view line) {
    size_t i = 0;
    while (i < line.n && line.text[i] == '#') i++;
    return i >= 1 && i <= 6 && i < line.n && ft__style_is_blank(line.text[i]);
}

static bool ft__style_is_fence(ft__view line) {
    return line.n >= 3 && (memcmp(line.text, "```", 3) == 0 || memcmp(line.text, "~~~", 3) == 0);
}

/* Bold, code or a link in a line. */
static bool ft__style_has_inline(ft__view line) {
    bool bold = false, code = false, link = false;
    for (size_t i = 0; i < line.n; i++) {
        char c = line.text[i], next = i + 1 < line.n ? line.text[i + 1] : ' ';
        if (c == '`') {
            if (code && line.text[i - 1] != '`') return true;
            code = true;
        } else if (c == '[') link = true;
        else if (c == ']' && next == '(' && link) return true;
        else if (c == '*' && next == '*') {
            if (bold && !ft__style_is_blank(line.text[i - 1])) return true;
            bold = bold || (i + 2 < line.n && !ft__style_is_blank(line.text[i + 2]));
            while (i + 1 < line.n && line.text[i + 1] == '*') i++;
        }
    }
    return false;
}

static void ft__style_measure_lines(ft__view text, size_t *measures) {
    const char *p = text.text, *end = p + text.n;
    bool fenced = false, paragraph = false;
    while (p < end) {
        const char *stop = (const char *)memchr(p, '\n', (size_t)(end - p));
        const char *next = stop ? stop + 1 : end;
        ft__view line;
        line.text = p;
        line.n = (size_t)((stop ? stop : end) - p);
        if (stop && line.n && line.text[line.n - 1] == '\r') line.n--;
        size_t chars = ft__text_chars(line);
        if (chars > measures[FT__STYLE_LINE_CHARS]) measures[FT__STYLE_LINE_CHARS] = chars;
        measures[FT__STYLE_LINES]++;
        line = ft__text_strip(line);
        if (line.n && !paragraph) measures[FT__STYLE_PARAGRAPHS]++;
        paragraph = line.n > 0;
        if (ft__style_is_fence(line)) {
            measures[FT__STYLE_FENCE] = measures[FT__STYLE_MARKDOWN] = 1;
            fenced = !fenced;
        } else if (!fenced) {
            measures[FT__STYLE_BULLETS] += ft__style_is_bullet(line);
            if (ft__style_is_heading(line) || ft__style_has_inline(line))
                measures[FT__STYLE_MARKDOWN] = 1;
        }
        p = next;
    }
    if (fenced) measures[FT__STYLE_FENCE] = 2;
}

static bool ft__style_score_format(const ft_evaluator *e, const ft_row *row, ft__view output,
                                   ft_score *score) {
    const ft__style_format *s = (const ft__style_format *)e->state;
    size_t measures[FT__STYLE_MEASURES] = {0}, asked = 0, held = 0, used = 0;
    char failed[sizeof score->detail] = "";
    (void)row;
    if (s->cased) ft__style_measure_case(output, measures);
    ft__style_measure_ends(output, measures);
    ft__style_measure_lines(output, measures);
    for (size_t i = 0; i < FT__COUNT(ft__style_checks); i++) {
        const ft__style_check *check = &ft__style_checks[i];
        double wanted = s->wanted[i], found = (double)measures[check->measure];
        if (wanted < 0) continue;
        asked++;
        if (check->rule == FT__STYLE_LEAST   ? found >= wanted
            : check->rule == FT__STYLE_MOST ? found <= wanted
                                            : found == wanted) {
            held++;
            continue;
        }
        int n = snprintf(failed + used, sizeof failed - used, "%s%s: %zu", used ? ", " : "",
                         check->param, measures[check->measure]);
        used += (size_t)n < sizeof failed - used ? (size_t)n : sizeof failed - used - 1;
    }
    score->value = (double)held / (double)asked;
    ft__score_detail(score, "%s", failed);
    return true;
}

/* ---- script */

static const char *const ft__style_scripts[] = {
    "latin", "greek", "cyrillic", "armenian", "georgian", "hebrew", "arabic", "ethiopic",
    "devanagari", "bengali", "gurmukhi", "gujarati", "odia", "tamil", "telugu", "kannada",
    "malayalam", "sinhala", "thai", "lao", "tibetan", "burmese", "khmer", "mongolian", "hangul",
    "hiragana", "katakana", "bopomofo", "han"};

enum {
    FT__STYLE_LATIN, FT__STYLE_GREEK, FT__STYLE_CYRILLIC, FT__STYLE_ARMENIAN, FT__STYLE_GEORGIAN,
    FT__STYLE_HEBREW, FT__STYLE_ARABIC, FT__STYLE_ETHIOPIC, FT__STYLE_DEVANAGARI,
    FT__STYLE_BENGALI, FT__STYLE_GURMUKHI, FT__STYLE_GUJARATI, FT__STYLE_ODIA, FT__STYLE_TAMIL,
    FT__STYLE_TELUGU, FT__STYLE_KANNADA, FT__STYLE_MALAYALAM, FT__STYLE_SINHALA, FT__STYLE_THAI,
    FT__STYLE_LAO, FT__STYLE_TIBETAN, FT__STYLE_BURMESE, FT__STYLE_KHMER, FT__STYLE_MONGOLIAN,
    FT__STYLE_HANGUL, FT__STYLE_HIRAGANA, FT__STYLE_KATAKANA, FT__STYLE_BOPOMOFO, FT__STYLE_HAN
};

typedef struct ft__style_range {
    uint32_t first, last;
    int script;
    bool solid; /* nothing but letters, which saves a look into the Unicode tables */
} ft__style_range;

/* Blocks, or parts of them; what in them is no letter does not matter. */
static const ft__style_range ft__style_ranges[] = {
    {0x0041, 0x00BF, FT__STYLE_LATIN, false},
    {0x00C0, 0x00D6, FT__STYLE_LATIN, true},
    {0x00D8, 0x00F6, FT__STYLE_LATIN, true},
    {0x00F8, 0x02B8, FT__STYLE_LATIN, true},
    {0x0370, 0x038D, FT__STYLE_GREEK, false},
    {0x038E, 0x03A1, FT__STYLE_GREEK, true},
    {0x03A3, 0x03F5, FT__STYLE_GREEK, true},
    {0x03F6, 0x03FF, FT__STYLE_GREEK, false},
    {0x0400, 0x0481, FT__STYLE_CYRILLIC, true},
    {0x048A, 0x052F, FT__STYLE_CYRILLIC, true},
    {0x0530, 0x058F, FT__STYLE_ARMENIAN, false},
    {0x05D0, 0x05EA, FT__STYLE_HEBREW, true},
    {0x05EB, 0x05FF, FT__STYLE_HEBREW, false},
    {0x0620, 0x064A, FT__STYLE_ARABIC, true},
    {0x064B, 0x06FF, FT__STYLE_ARABIC, false},
    {0x0750, 0x077F, FT__STYLE_ARABIC, false},
    {0x0870, 0x08FF, FT__STYLE_ARABIC, false},
    {0x0904, 0x0939, FT__STYLE_DEVANAGARI, true},
    {0x093A, 0x097F, FT__STYLE_DEVANAGARI, false},
    {0x0980, 0x09FF, FT__STYLE_BENGALI, false},
    {0x0A00, 0x0A7F, FT__STYLE_GURMUKHI, false},
    {0x0A80, 0x0AFF, FT__STYLE_GUJARATI, false},
    {0x0B00, 0x0B7F, FT__STYLE_ODIA, false},
    {0x0B80, 0x0BFF, FT__STYLE_TAMIL, false},
    {0x0C00, 0x0C7F, FT__STYLE_TELUGU, false},
    {0x0C80, 0x0CFF, FT__STYLE_KANNADA, false},
    {0x0D00, 0x0D7F, FT__STYLE_MALAYALAM, false},
    {0x0D80, 0x0DFF, FT__STYLE_SINHALA, false},
    {0x0E01, 0x0E30, FT__STYLE_THAI, true},
    {0x0E31, 0x0E7F, FT__STYLE_THAI, false},
    {0x0E80, 0x0EFF, FT__STYLE_LAO, false},
    {0x0F00, 0x0FFF, FT__STYLE_TIBETAN, false},
    {0x1000, 0x109F, FT__STYLE_BURMESE, false},
    {0x10A0, 0x10FF, FT__STYLE_GEORGIAN, false},
    {0x1100, 0x11FF, FT__STYLE_HANGUL, false},
    {0x1200, 0x139F, FT__STYLE_ETHIOPIC, false},
    {0x1780, 0x17FF, FT__STYLE_KHMER, false},
    {0x1800, 0x18AF, FT__STYLE_MONGOLIAN, false},
    {0x1C80, 0x1C8F, FT__STYLE_CYRILLIC, false},
    {0x1C90, 0x1CBF, FT__STYLE_GEORGIAN, false},
    {0x1D00, 0x1D25, FT__STYLE_LATIN, false},
    {0x1D26, 0x1D2A, FT__STYLE_GREEK, false},
    {0x1D2B, 0x1D2B, FT__STYLE_CYRILLIC, false},
    {0x1D2C, 0x1D5C, FT__STYLE_LATIN, false},
    {0x1D62, 0x1D65, FT__STYLE_LATIN, false},
    {0x1D6B, 0x1D77, FT__STYLE_LATIN, false},
    {0x1D79, 0x1DBE, FT__STYLE_LATIN, false},
    {0x1E00, 0x1EFF, FT__STYLE_LATIN, true},
    {0x1F00, 0x1FFF, FT__STYLE_GREEK, false},
    {0x2071, 0x209C, FT__STYLE_LATIN, false},
    {0x212A, 0x212B, FT__STYLE_LATIN, false},
    {0x2C60, 0x2C7F, FT__STYLE_LATIN, false},
    {0x2D00, 0x2D2F, FT__STYLE_GEORGIAN, false},
    {0x2D80, 0x2DDF, FT__STYLE_ETHIOPIC, false},
    {0x3005, 0x3007, FT__STYLE_HAN, false},
    {0x303B, 0x303B, FT__STYLE_HAN, false},
    {0x3041, 0x3096, FT__STYLE_HIRAGANA, true},
    {0x3097, 0x309F, FT__STYLE_HIRAGANA, false},
    {0x30A1, 0x30FA, FT__STYLE_KATAKANA, true},
    {0x30FB, 0x30FF, FT__STYLE_KATAKANA, false},
    {0x3105, 0x312F, FT__STYLE_BOPOMOFO, false},
    {0x3131, 0x318E, FT__STYLE_HANGUL, false},
    {0x31A0, 0x31BF, FT__STYLE_BOPOMOFO, false},
    {0x31F0, 0x31FF, FT__STYLE_KATAKANA, false},
    {0x3400, 0x4DBF, FT__STYLE_HAN, true},
    {0x4E00, 0x9FFF, FT__STYLE_HAN, true},
    {0xA640, 0xA69F, FT__STYLE_CYRILLIC, false},
    {0xA722, 0xA7FF, FT__STYLE_LATIN, false},
    {0xA8E0, 0xA8FF, FT__STYLE_DEVANAGARI, false},
    {0xA960, 0xA97F, FT__STYLE_HANGUL, false},
    {0xA9E0, 0xA9FF, FT__STYLE_BURMESE, false},
    {0xAA60, 0xAA7F, FT__STYLE_BURMESE, false},
    {0xAB00, 0xAB2F, FT__STYLE_ETHIOPIC, false},
    {0xAB30, 0xAB64, FT__STYLE_LATIN, false},
    {0xAC00, 0xD7A3, FT__STYLE_HANGUL, true},
    {0xD7A4, 0xD7FF, FT__STYLE_HANGUL, false},
    {0xF900, 0xFAFF, FT__STYLE_HAN, false},
    {0xFB00, 0xFB06, FT__STYLE_LATIN, false},
    {0xFB13, 0xFB17, FT__STYLE_ARMENIAN, false},
    {0xFB1D, 0xFB4F, FT__STYLE_HEBREW, false},
    {0xFB50, 0xFDFF, FT__STYLE_ARABIC, false},
    {0xFE70, 0xFEFC, FT__STYLE_ARABIC, false},
    {0xFF21, 0xFF5A, FT__STYLE_LATIN, false},
    {0xFF66, 0xFF9F, FT__STYLE_KATAKANA, false},
    {0xFFA0, 0xFFDC, FT__STYLE_HANGUL, false},
    {0x20000, 0x3FFFF, FT__STYLE_HAN, false},
};

/* The block that holds the character, or NULL. */
static const ft__style_range *ft__style_range_of(uint32_t c) {
    size_t low = 0, high = FT__COUNT(ft__style_ranges);
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (ft__style_ranges[middle].first <= c) low = middle;
        else high = middle;
    }
    const ft__style_range *range = &ft__style_ranges[low];
    return c >= range->first && c <= range->last ? range : NULL;
}

static ft_status ft__style_prepare_script(ft_evaluator *e, ft_error *err) {
    static const char expected[] = "the name of a script (\"latin\", \"han\"), or a list of such";
    const ft__json *value = ft__param(e, "script"), *one = value;
    uint32_t *wanted = (uint32_t *)ft__arena_alloc(&e->arena, 1, sizeof *wanted);
    if (!wanted) return ft__fail_memory(err);
    e->state = wanted;
    if (value->type == FT__JSON_ARRAY) one = value->child;
    else if (value->type != FT__JSON_STRING) one = NULL;
    if (!one) return ft__param_bad(e, "script", expected, err);
    for (; one; one = value->type == FT__JSON_ARRAY ? one->next : NULL) {
        size_t i = 0, n = FT__COUNT(ft__style_scripts);
        ft__view name = ft__json_view(one);
        while (i < n && (one->type != FT__JSON_STRING ||
                         !ft__text_is(name, ft__style_scripts[i])))
            i++;
        if (i == n) return ft__param_bad(e, "script", expected, err);
        *wanted |= (uint32_t)1 << i;
    }
    return FT_OK;
}

/* Every stretch of letters of other scripts is a span. */
static bool ft__style_score_script(const ft_evaluator *e, const ft_row *row, ft__view output,
                                   ft_score *score) {
    uint32_t wanted = *(const uint32_t *)e->state;
    const char *p = output.text, *end = p + output.n, *foreign = NULL;
    const ft__style_range *range = &ft__style_ranges[0];
    size_t letters = 0, right = 0;
    (void)row;
    while (p < end) {
        const char *begin = p;
        uint32_t c = ft__utf8_next(&p, end);
        bool letter = c < 0x80 && (c | 32) >= 'a' && (c | 32) <= 'z';
        if ((letter || c >= 0x80) && (!range || c < range->first || c > range->last))
            range = ft__style_range_of(c);
        if (c >= 0x80)
            letter = (range && range->solid) ||
                     (FT__CLASS_BIT(ft__char_class_of(c)) & FT__CLASS_L) != 0;
        bool good = letter && range && (wanted >> range->script & 1);
        letters += letter;
        right += good;
        if (letter && !good && !foreign) foreign = begin;
        if (foreign && (!letter || good)) {
            ft__score_span(score, (size_t)(foreign - output.text), (size_t)(begin - output.text),
                           "other script");
            foreign = NULL;
        }
    }
    if (foreign) ft__score_span(score, (size_t)(foreign - output.text), output.n, "other script");
    if (letters) score->value = (double)right / (double)letters;
    if (letters) ft__score_detail(score, "%zu of %zu letters", right, letters);
    else ft__score_detail(score, "no letters");
    return true;
}

/* ---- rows of the registry */

FT__PRIV const ft__evaluator_kind *ft__style_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"length", "the output has between min and max chars, words or bytes", "",
          "{\"unit\": \"chars\", \"min\": 0, \"max\": null, \"threshold\": 1}",
          0, 1, true, 1, "length|v1", FT_FROM_TEXT},
         0, ft__style_prepare_length, ft__style_score_length, NULL},
        {{"repetition", "share of the n-grams of words that are repetitions (seq-rep-n)", "",
          "{\"n\": 4, \"threshold\": 0.2}",
          0, 1, false, 0.2, "repetition|seq-rep-n|v1", FT_FROM_TEXT},
         FT__STYLE_REPETITION, ft__style_prepare_ngrams, ft__style_score_ngrams, NULL},
        {{"distinct_n", "distinct n-grams of words / words", "",
          "{\"n\": 2, \"threshold\": 0.5}",
          0, 1, true, 0.5, "distinct_n|li-2016|v1", FT_FROM_TEXT},
         FT__STYLE_DISTINCT, ft__style_prepare_ngrams, ft__style_score_ngrams, NULL},
        {{"format", "share of the checks on lines, markdown, case and ends that hold", "",
          "{\"min_lines\": null, \"max_lines\": null, \"max_line_chars\": null, "
          "\"min_paragraphs\": null, \"max_paragraphs\": null, \"min_bullets\": null, "
          "\"max_bullets\": null, \"markdown\": null, \"code_fence\": null, \"upper\": null, "
          "\"lower\": null, \"starts_upper\": null, \"ends_sentence\": null, \"ascii\": null, "
          "\"stripped\": null, \"threshold\": 1}",
          0, 1, true, 1, "format|v1", FT_FROM_TEXT},
         0, ft__style_prepare_format, ft__style_score_format, NULL},
        {{"script", "share of the letters that are of the given script, or one of a list", "",
          "{\"script\": null, \"threshold\": 0.9}",
          0, 1, true, 0.9, "script|unicode-blocks|v1", FT_FROM_TEXT},
         0, ft__style_prepare_script, ft__style_score_script, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
