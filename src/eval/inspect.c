/* How inspect_ai (UK AI Security Institute, commit 499e6152e7) scores an answer: match, includes,
   f1, exact, and the letter after "ANSWER:".

   match compares numbers by their first five significant digits, as C's "%.5g" writes them, and
   texts after full case folding without ASCII white space and punctuation at both ends; numbers.c
   tells what the numbers of a text are.  f1 and exact compare the words of SQuAD's normalisation,
   among which numbers of one value are equal however they are written. */
#include "numbers.h"

/* What comparing needs. */
typedef struct ft__inspect {
    ft__numbers_reader numbers;
    ft__buf value, target, left;
    char written[16];
    bool failed;
} ft__inspect;

static void ft__inspect_init(ft__inspect *x, const ft_allocator *a) {
    memset(x, 0, sizeof *x);
    ft__numbers_init(&x->numbers, a);
    ft__buf_init(&x->value, a);
    ft__buf_init(&x->target, a);
    ft__buf_init(&x->left, a);
}

/* False: memory was short on the way. */
static bool ft__inspect_done(ft__inspect *x) {
    bool ok = !x->failed && !x->value.failed && !x->target.failed && !x->left.failed;
    ft__buf_free(&x->value);
    ft__buf_free(&x->target);
    ft__buf_free(&x->left);
    return ft__numbers_done(&x->numbers) && ok;
}

static const char *const ft__inspect_locations[] = FT__NUMBERS_LOCATIONS;

/* ---- match, includes */

typedef struct ft__inspect_rule {
    int location;
    bool ignore_case, ignore_punctuation, numeric;
} ft__inspect_rule;

static bool ft__inspect_is_edge(char c) {
    return c == ' ' || (c >= 9 && c <= 13) || (c >= '!' && c <= '/') || (c >= ':' && c <= '@') ||
           (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

/* ASCII white space and punctuation at both ends go. */
static ft__view ft__inspect_trim(ft__view v) {
    while (v.n && ft__inspect_is_edge(v.text[0])) v.text++, v.n--;
    while (v.n && ft__inspect_is_edge(v.text[v.n - 1])) v.n--;
    return v;
}

static void ft__inspect_fold(ft__view v, bool ignore_case, ft__buf *out) {
    out->len = 0;
    if (ignore_case) ft__casefold(v.text, v.n, out);
    else ft__buf_add(out, v.text, v.n);
}

static bool ft__inspect_compare_text(ft__inspect *x, const ft__inspect_rule *rule,
                                     ft__view target) {
    ft__view v = ft__buf_view(&x->value);
    bool found = false;
    if (rule->ignore_punctuation) v = ft__inspect_trim(v);
    if (rule->location == FT__NUMBERS_ANY) {
        if (!ft__text_contains(v, target, &x->value.allocator, &found)) x->failed = true;
        return found;
    }
    if (v.n < target.n || (rule->location == FT__NUMBERS_EXACT && v.n > target.n)) return false;
    const char *from = rule->location == FT__NUMBERS_END ? v.text + v.n - target.n : v.text;
    return memcmp(from, target.text, target.n) == 0;
}

/* Sets *answer to the number as it is compared; where none was found, to what was looked at. */
static bool ft__inspect_compare(ft__inspect *x, const ft__inspect_rule *rule, ft__view value,
                                double target, ft__view *answer) {
    char expected[16];
    const char *p = value.text, *end = p + value.n;
    ft__numbers_found found;
    ft__numbers_write(target, expected);
    x->written[0] = 0;
    if (rule->location == FT__NUMBERS_ANY) {
        do {
            if (!ft__numbers_next(&x->numbers, &p, end, false, &found)) return false;
            ft__numbers_write(found.value, x->written);
        } while (strcmp(x->written, expected) != 0);
    } else if (ft__numbers_at(&x->numbers, value, rule->location, false, &found)) {
        ft__numbers_write(found.value, x->written);
    } else if (rule->location == FT__NUMBERS_EXACT) {
        ft__numbers_clean(ft__buf_view(&x->value), &x->left);
        *answer = ft__buf_view(&x->left);
        return false;
    }
    answer->text = x->written;
    answer->n = strlen(x->written);
    return strcmp(x->written, expected) == 0;
}

typedef struct ft__inspect_matched {
    bool yes, empty; /* empty: nothing of the target is left to compare with */
    ft__view answer;
} ft__inspect_matched;

/* The value is stripped, and x->value holds it folded. */
static ft__inspect_matched ft__inspect_match(ft__inspect *x, const ft__inspect_rule *rule,
                                             ft__view value, ft__view target) {
    ft__inspect_matched result = {false, false, {"", 0}};
    double number;
    result.answer = value;
    ft__inspect_fold(ft__text_strip(target), rule->ignore_case, &x->target);
    target = ft__buf_view(&x->target);
    if (rule->numeric) {
        ft__numbers_clean(target, &x->left);
        target = ft__buf_view(&x->left);
        if (ft__numbers_parse(&x->numbers, target, &number)) {
            result.yes = ft__inspect_compare(x, rule, value, number, &result.answer);
            return result;
        }
    }
    if (rule->ignore_punctuation) target = ft__inspect_trim(target);
    result.empty = target.n == 0;
    result.yes = ft__inspect_compare_text(x, rule, target);
    return result;
}

static ft_status ft__inspect_run_match(const ft__metric_call *call) {
    ft__inspect_rule rule = {FT__NUMBERS_END, true, true, false};
    ft__view value, target;
    ft__inspect x;
    ft_status status = ft__metric_text(call, "prediction", &value);
    if (!status) status = ft__metric_text(call, "reference", &target);
    if (!status)
        status = ft__metric_word(call, "location", ft__inspect_locations,
                                 FT__COUNT(ft__inspect_locations), &rule.location);
    if (!status) status = ft__metric_flag(call, "ignore_case", &rule.ignore_case);
    if (!status) status = ft__metric_flag(call, "ignore_punctuation", &rule.ignore_punctuation);
    if (!status) status = ft__metric_flag(call, "numeric", &rule.numeric);
    if (status) return status;
    value = ft__text_strip(value);
    ft__inspect_init(&x, &call->arena->allocator);
    ft__inspect_fold(value, rule.ignore_case, &x.value);
    ft__inspect_matched matched = ft__inspect_match(&x, &rule, value, target);
    ft__json_begin(call->out, '{');
    ft__json_key(call->out, "matched");
    ft__json_bool(call->out, matched.yes);
    ft__json_key(call->out, "answer");
    ft__json_string(call->out, matched.answer.text, matched.answer.n);
    ft__json_end(call->out, '}');
    return ft__inspect_done(&x) ? FT_OK : ft__fail_memory(call->err);
}

static ft_status ft__inspect_run_includes(const ft__metric_call *call) {
    ft__view value, target;
    ft__inspect x;
    bool ignore_case = true, found = false;
    ft_status status = ft__metric_text(call, "prediction", &value);
    if (!status) status = ft__metric_text(call, "reference", &target);
    if (!status) status = ft__metric_flag(call, "ignore_case", &ignore_case);
    if (status) return status;
    ft__inspect_init(&x, &call->arena->allocator);
    ft__inspect_fold(value, ignore_case, &x.value);
    ft__inspect_fold(target, ignore_case, &x.target);
    if (!ft__text_contains(ft__buf_view(&x.value), ft__buf_view(&x.target),
                           &call->arena->allocator, &found))
        x.failed = true;
    ft__json_begin(call->out, '{');
    ft__json_key(call->out, "matched");
    ft__json_bool(call->out, found);
    ft__json_end(call->out, '}');
    return ft__inspect_done(&x) ? FT_OK : ft__fail_memory(call->err);
}

/* ---- inspect_f1, inspect_exact */

/* A folded word: a number as Python's repr() writes it, else without punctuation and articles.  It
   is a number as it is, or without punctuation around it, or without any. */
static void ft__inspect_token(ft__inspect *x, ft__view token, ft__buf *out) {
    double value;
    char written[32];
    x->left.len = 0;
    bool number = ft__numbers_float(&x->numbers, token, &value) ||
                  ft__numbers_float(&x->numbers, ft__inspect_trim(token), &value);
    for (size_t i = 0; i < token.n; i++)
        if (token.text[i] < '!' || !ft__inspect_is_edge(token.text[i]))
            ft__buf_byte(&x->left, token.text[i]);
    number = number || ft__numbers_float(&x->numbers, ft__buf_view(&x->left), &value);
    size_t before = out->len;
    if (before) ft__buf_byte(out, ' ');
    size_t from = out->len;
    if (number) {
        size_t n = ft__number_write(value, written);
        ft__buf_add(out, written, n);
        if (!memchr(written, '.', n) && !memchr(written, 'e', n)) ft__buf_text(out, ".0");
    } else {
        ft__squad_normalize(token, out);
    }
    if (out->len == from) out->len = before;
}

/* Appends the normal form; words end at blanks and hyphens. */
static void ft__inspect_normal(ft__inspect *x, ft__view v, ft__buf *out) {
    ft__inspect_fold(v, true, &x->value);
    v = ft__buf_view(&x->value);
    for (size_t i = 0, from = 0; i <= v.n; i++) {
        if (i < v.n && v.text[i] != ' ' && v.text[i] != '-') continue;
        ft__view token = {v.text + from, i - from};
        if (token.n) ft__inspect_token(x, token, out);
        from = i + 1;
    }
}

static double ft__inspect_set_f1(const ft__squad *got, const ft__squad *gold) {
    double shared = (double)ft__squad_shared(got, gold, true);
    double precision = got->words.n ? shared / (double)got->words.n : 1;
    double recall = gold->words.n ? shared / (double)gold->words.n : 1;
    return precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
}

enum { FT__INSPECT_F1, FT__INSPECT_SAME };

static ft_status ft__inspect_run_words(const ft__metric_call *call) {
    const ft_allocator *a = &call->arena->allocator;
    ft__view prediction, *references;
    ft__inspect x;
    ft__squad got, gold;
    size_t n;
    double best = 0, places = 2;
    ft_status status = ft__metric_text(call, "prediction", &prediction);
    if (!status) status = ft__metric_texts(call, "references", &references, &n);
    if (!status) status = ft__metric_param(call, "rounded_to", 0, 15, &places);
    if (status) return status;
    ft__inspect_init(&x, a);
    ft__squad_init(&got, a);
    ft__inspect_normal(&x, prediction, &got.text);
    if (!ft__squad_count(&got)) x.failed = true;
    for (size_t i = 0; i < n && !x.failed; i++) {
        double value = 0;
        if (ft__text_strip(references[i]).n == 0) continue;
        ft__squad_init(&gold, a);
        ft__inspect_normal(&x, references[i], &gold.text);
        if (!ft__squad_count(&gold)) x.failed = true;
        else if (call->which == FT__INSPECT_F1) value = ft__inspect_set_f1(&got, &gold);
        else value = ft__text_equal(got.text.data, got.text.len, gold.text.data, gold.text.len);
        if (value > best) best = value;
        ft__squad_free(&gold);
    }
    ft__metric_number(call->out, NULL, ft__numbers_round(best, (int)places));
    ft__squad_free(&got);
    return ft__inspect_done(&x) ? FT_OK : ft__fail_memory(call->err);
}

/* ---- the answer after "ANSWER:"

   What these three Python patterns find:

       letter  (?is)ANSWER\s*:\s*([A-Za-z])(?:[^\w]|\n|$)(?!.*ANSWER\s*:)
       word    (?is)ANSWER\s*:\s*(\S+?)(?=[.,;:!?]?\s*(?:\n|$))(?!.*ANSWER\s*:)
       line    (?i)ANSWER\s*:\s*([^\n]+)\s*\Z

   The look-ahead in the first two is how the last ANSWER: wins. */

enum { FT__INSPECT_LETTER, FT__INSPECT_WORD, FT__INSPECT_LINE };
static const char *const ft__inspect_patterns[] = {"letter", "word", "line"};

static const char *ft__inspect_skip_space(const char *p, const char *end) {
    for (const char *q = p; q < end && ft__is_space(ft__utf8_next(&q, end));) p = q;
    return p;
}

static const char *ft__inspect_skip_word(const char *p, const char *end) {
    for (const char *q = p; q < end && !ft__is_space(ft__utf8_next(&q, end));) p = q;
    return p;
}

/* Behind ANSWER\s*: if it begins here; Python's (?i) lets a long s pass for an s. */
static const char *ft__inspect_mark(const char *p, const char *end) {
    for (const char *letter = "answer"; *letter; letter++) {
        if (end - p >= 2 && *letter == 's' && memcmp(p, "\xC5\xBF", 2) == 0) p += 2;
        else if (p < end && (*p | 32) == *letter) p++;
        else return NULL;
    }
    p = ft__inspect_skip_space(p, end);
    return p < end && *p == ':' ? p + 1 : NULL;
}

/* From p on; *after is behind the colon. */
static const char *ft__inspect_next(const char *p, const char *end, const char **after) {
    for (; p < end; p++)
        if ((*p | 32) == 'a' && (*after = ft__inspect_mark(p, end)) != NULL) return p;
    return NULL;
}

static const char *ft__inspect_last(ft__view v, const char **after) {
    const char *last = NULL, *next, *end = v.text + v.n;
    for (const char *p = v.text; (p = ft__inspect_next(p, end, &next)) != NULL; p = next) {
        last = p;
        *after = next;
    }
    return last;
}

static ft__view ft__inspect_view(const char *from, const char *to) {
    ft__view v;
    v.text = from;
    v.n = (size_t)(to - from);
    return v;
}

static const ft__view ft__inspect_none = {NULL, 0};

/* [A-Za-z] without regard to case has four members more. */
static bool ft__inspect_is_letter(uint32_t c) {
    return (c < 0x80 && (c | 32) >= 'a' && (c | 32) <= 'z') || c == 0x130 || c == 0x131 ||
           c == 0x17F || c == 0x212A;
}

static ft__view ft__inspect_letter(ft__view v) {
    const char *end = v.text + v.n, *p = NULL;
    if (!ft__inspect_last(v, &p)) return ft__inspect_none;
    const char *from = p = ft__inspect_skip_space(p, end);
    if (p == end || !ft__inspect_is_letter(ft__utf8_next(&p, end))) return ft__inspect_none;
    const char *next = p;
    if (next < end && ft__is_word(ft__utf8_next(&next, end))) return ft__inspect_none;
    return ft__inspect_view(from, p);
}

/* Nothing but white space follows on the line. */
static bool ft__inspect_line_ends(const char *p, const char *end) {
    const char *stop = ft__inspect_skip_space(p, end);
    return stop == end || memchr(p, '\n', (size_t)(stop - p)) != NULL;
}

/* A word that ends its line, without one mark of punctuation at its end.  An earlier ANSWER: counts
   if the last one begins within its word.  Looks at each word once; many marks may be in it. */
static ft__view ft__inspect_word(ft__view v) {
    const char *end = v.text + v.n, *p = v.text, *after = NULL, *stop = NULL;
    const char *last = ft__inspect_last(v, &after);
    bool ends = false;
    for (; last && (p = ft__inspect_next(p, end, &after)) != NULL; p = after) {
        const char *from = ft__inspect_skip_space(after, end);
        if (!stop || from >= stop) {
            stop = ft__inspect_skip_word(from, end);
            ends = stop > last && ft__inspect_line_ends(stop, end);
        }
        if (!ends || from == stop) continue;
        const char *to = stop;
        if (to - from > 1 && memchr(".,;:!?", to[-1], 6)) to--;
        if (to > last) return ft__inspect_view(from, to);
    }
    return ft__inspect_none;
}

/* The rest of the last line that is not blank; if nothing but white space follows ANSWER:, the last
   character of it that is no line end. */
static ft__view ft__inspect_line(ft__view v) {
    const char *text_end = v.text + v.n, *after;
    ft__view shown = ft__text_strip(v);
    const char *end = shown.text + shown.n, *line = end;
    while (line > v.text && line[-1] != '\n') line--;
    for (const char *p = v.text; (p = ft__inspect_next(p, text_end, &after)) != NULL; p = after) {
        const char *from = ft__inspect_skip_space(after, text_end);
        if (from < line) continue;
        if (from == text_end) {
            const char *best = NULL;
            for (const char *q = after; q < text_end;) {
                const char *at = q;
                if (ft__utf8_next(&q, text_end) != '\n') best = at;
            }
            if (!best) continue;
            from = best;
        }
        const char *stop = (const char *)memchr(from, '\n', (size_t)(text_end - from));
        return ft__inspect_view(from, stop ? stop : text_end);
    }
    return ft__inspect_none;
}

/* .text is NULL where there is none. */
static ft__view ft__inspect_extract(int pattern, ft__view v) {
    return pattern == FT__INSPECT_LETTER ? ft__inspect_letter(v)
           : pattern == FT__INSPECT_WORD ? ft__inspect_word(v)
                                         : ft__inspect_line(v);
}

static ft_status ft__inspect_run_extract(const ft__metric_call *call) {
    int pattern = FT__INSPECT_LETTER;
    ft__view text;
    ft_status status = ft__metric_text(call, "text", &text);
    if (!status)
        status = ft__metric_word(call, "pattern", ft__inspect_patterns,
                                 FT__COUNT(ft__inspect_patterns), &pattern);
    if (status) return status;
    ft__view answer = ft__inspect_extract(pattern, text);
    ft__json_begin(call->out, '{');
    ft__json_key(call->out, "answer");
    if (answer.text) ft__json_string(call->out, answer.text, answer.n);
    else ft__json_null(call->out);
    ft__json_end(call->out, '}');
    return FT_OK;
}

/* ---- evaluators.  They look at all answers of a row, so that a bad one is an error wherever it
   stands. */

/* A right output needs no reason. */
static bool ft__inspect_finish(ft__inspect *x, ft_score *score) {
    if (score->value > 0 && score->state == FT_SCORED) score->detail[0] = 0;
    return ft__inspect_done(x);
}

static ft_status ft__inspect_prepare_match(ft_evaluator *e, ft_error *err) {
    ft__inspect_rule *rule = (ft__inspect_rule *)ft__arena_alloc(&e->arena, 1, sizeof *rule);
    if (!rule) return ft__fail_memory(err);
    e->state = rule;
    rule->ignore_case = ft__param_flag(e, "ignore_case");
    rule->numeric = ft__param_flag(e, "numeric");
    rule->ignore_punctuation = true;
    return ft__param_choice(e, "location", ft__inspect_locations,
                            FT__COUNT(ft__inspect_locations), &rule->location, err);
}

/* An empty target would match everything, unless it has to be all there is. */
static bool ft__inspect_score_match(const ft_evaluator *e, const ft_row *row, ft__view output,
                                    ft_score *score) {
    const ft__inspect_rule *rule = (const ft__inspect_rule *)e->state;
    ft__answers answers;
    ft__inspect x;
    char excerpt[64], other[64];
    if (!ft__answers_find(&answers, row, score)) return true;
    output = ft__text_strip(output);
    ft__inspect_init(&x, &e->arena.allocator);
    ft__inspect_fold(output, rule->ignore_case, &x.value);
    for (const ft__json *value; (value = ft__answers_next(&answers)) != NULL;) {
        ft__view target = ft__json_as_text(value);
        ft__inspect_matched matched = ft__inspect_match(&x, rule, output, target);
        if (matched.empty && rule->location != FT__NUMBERS_EXACT) {
            ft__score_error(score, "the text to look for is empty");
            break;
        }
        if (matched.yes) score->value = 1;
        ft__score_detail(score, "expected \"%s\", found \"%s\"", ft__text_excerpt(target, excerpt),
                         ft__text_excerpt(matched.answer, other));
    }
    return ft__inspect_finish(&x, score);
}

static ft_status ft__inspect_prepare_answer(ft_evaluator *e, ft_error *err) {
    int *pattern = (int *)ft__arena_alloc(&e->arena, 1, sizeof *pattern);
    if (!pattern) return ft__fail_memory(err);
    e->state = pattern;
    return ft__param_choice(e, "pattern", ft__inspect_patterns, FT__COUNT(ft__inspect_patterns),
                            pattern, err);
}

/* What a right answer may be called: the letter of its choice, its text.  .text is NULL without. */
typedef struct ft__inspect_names {
    char letter_bytes[1];
    ft__view letter, text;
} ft__inspect_names;

/* A single letter is the letter of a choice, another text may be the text of one; "answer" may be
   an index. */
static void ft__inspect_name(const ft_row *row, const ft__json *value, bool may_be_index,
                             ft__inspect_names *names) {
    const ft__json *choices = ft__row_get(row, "choices"), *choice = NULL;
    int at = 0;
    names->letter = ft__inspect_none;
    names->text = ft__text_strip(ft__json_as_text(value));
    if (choices && choices->type == FT__JSON_ARRAY) choice = choices->child;
    bool index = may_be_index && choice && value->type == FT__JSON_NUMBER;
    if (names->text.n == 1 && !(names->text.text[0] & 0x80) &&
        ft__inspect_is_letter((uint32_t)names->text.text[0])) {
        names->letter = names->text;
        return;
    }
    for (; choice && at < 26; choice = choice->next, at++) {
        ft__view text = ft__json_as_text(choice);
        if (!text.text) continue;
        text = ft__text_strip(text);
        if (index ? value->number != at
                  : !ft__text_equal(text.text, text.n, names->text.text, names->text.n))
            continue;
        names->letter_bytes[0] = (char)('A' + at);
        names->letter.text = names->letter_bytes;
        names->letter.n = 1;
        names->text = text;
        return;
    }
    if (index) names->text = ft__inspect_none;
}

static bool ft__inspect_same(ft__inspect *x, ft__view answer, ft__view name) {
    ft__inspect_fold(answer, true, &x->value);
    ft__inspect_fold(name, true, &x->target);
    return name.text && ft__text_equal(x->value.data, x->value.len, x->target.data, x->target.len);
}

static bool ft__inspect_score_answer(const ft_evaluator *e, const ft_row *row, ft__view output,
                                     ft_score *score) {
    int pattern = *(const int *)e->state;
    bool from_expected = ft__row_get(row, "expected") || ft__row_get(row, "references");
    ft__view answer = ft__inspect_extract(pattern, output), text;
    ft__answers answers;
    ft__inspect x;
    char excerpt[64], other[64];
    if (from_expected ? !ft__answers_find(&answers, row, score)
                      : !ft__row_text(row, "answer", &text, score))
        return true;
    if (!from_expected) ft__answers_set(&answers, ft__row_get(row, "answer"), NULL);
    if (answer.text)
        ft__score_span(score, (size_t)(answer.text - output.text),
                       (size_t)(answer.text - output.text) + answer.n, "answer");
    ft__inspect_init(&x, &e->arena.allocator);
    for (const ft__json *value; (value = ft__answers_next(&answers)) != NULL;) {
        ft__inspect_names names;
        ft__inspect_name(row, value, !from_expected, &names);
        if (!names.letter.text && (pattern == FT__INSPECT_LETTER || !names.text.text)) {
            ft__score_error(score, "the right answer, \"%s\", is no letter and none of the choices",
                            ft__text_excerpt(ft__json_as_text(value), excerpt));
            break;
        }
        if (score->value > 0) continue;
        if (!answer.text) {
            ft__score_detail(score, "no answer of the form \"ANSWER: %s\"",
                             ft__inspect_patterns[pattern]);
            continue;
        }
        ft__view stripped = ft__text_strip(answer);
        score->value = ft__inspect_same(&x, stripped, names.letter) ||
                       ft__inspect_same(&x, stripped, names.text);
        ft__score_detail(score, "expected \"%s\", found \"%s\"",
                         ft__text_excerpt(names.letter.text ? names.letter : names.text, excerpt),
                         ft__text_excerpt(stripped, other));
    }
    return ft__inspect_finish(&x, score);
}

/* ---- rows of the registries */

FT__PRIV const ft__evaluator_kind *ft__inspect_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"match",
          "the output ends with the expected text or number (or begins with it, contains it, is "
          "it), but for case and punctuation, as inspect_ai has it",
          "expected",
          "{\"location\": \"end\", \"ignore_case\": true, \"numeric\": false, \"threshold\": 1}",
          0, 1, true, 1, "match|inspect-499e6152|v1", FT_FROM_TEXT},
         0, ft__inspect_prepare_match, ft__inspect_score_match, NULL},
        {{"answer_letter",
          "the letter (word, line) after the last \"ANSWER:\" is the expected one, or the row's "
          "\"answer\": a letter, the text of a choice or its index",
          "expected", "{\"pattern\": \"letter\", \"threshold\": 1}",
          0, 1, true, 1, "answer_letter|inspect-499e6152|v1", FT_FROM_TEXT},
         0, ft__inspect_prepare_answer, ft__inspect_score_answer, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}

FT__PRIV const ft__metric_kind *ft__inspect_metrics(size_t *n) {
    static const ft__metric_kind kinds[] = {
        {"match", 0, ft__inspect_run_match},
        {"includes", 0, ft__inspect_run_includes},
        {"answer_extract", 0, ft__inspect_run_extract},
        {"inspect_f1", FT__INSPECT_F1, ft__inspect_run_words},
        {"inspect_exact", FT__INSPECT_SAME, ft__inspect_run_words},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
