/* The registry of evaluators.  An evaluator is a row of the table at the end: what people see of
   it, a function that reads its parameters and one that scores.  Its `params` text is at the same
   time the list of the parameters there are, with their types and defaults.

   Every evaluator knows "threshold": a row passes at that value or better. */
#include "eval.h"

typedef struct ft__evaluator_kind {
    ft_evaluator_info info; /* begins with the name, where ft__nearest looks for it */
    ft_status (*prepare)(ft_evaluator *e, ft_error *err);
    /* Gives a value or an error, and a detail.  False: out of memory. */
    bool (*score)(const ft_evaluator *e, const ft_row *row, ft__view output, ft_score *score);
} ft__evaluator_kind;

struct ft_evaluator {
    const ft__evaluator_kind *kind;
    ft__arena arena;
    const ft__json *given, *defaults; /* parameters: the caller's (or NULL), and all there are */
    double threshold;
    bool strip, ignore_case;
    bool whole, all;                  /* compare whole texts; all of them must be there */
    const ft__json *text;             /* contains: a string or a list of strings, or NULL */
    ft__regex *regex;
    int type, unit;                   /* json_valid (-1 = any), length: index into their words */
    double min, max;                  /* length; max -1 = none */
};

/* ---- parameters */

/* The parameter's value: given, or else its default. */
static const ft__json *ft__evaluator_param(const ft_evaluator *e, const char *name) {
    const ft__json *given = ft__json_get(e->given, name);
    return given ? given : ft__json_get(e->defaults, name);
}

static bool ft__evaluator_flag(const ft_evaluator *e, const char *name) {
    return ft__evaluator_param(e, name)->type == FT__JSON_TRUE;
}

static ft__view ft__evaluator_view(const ft__json *text) {
    ft__view v = {"", 0};
    if (text->text_len) v.text = text->text, v.n = text->text_len;
    return v;
}

/* contains: parameter "mode" must be one of "any", "all"; found "some" */
static ft_status ft__evaluator_bad_param(const ft_evaluator *e, const char *name,
                                         const char *expected, ft_error *err) {
    const ft__json *value = ft__evaluator_param(e, name);
    char excerpt[64];
    const char *quote = value->type == FT__JSON_STRING ? "\"" : "";
    const char *found = value->type == FT__JSON_STRING || value->type == FT__JSON_NUMBER
                            ? ft__text_excerpt(ft__evaluator_view(value), excerpt)
                            : ft__json_type_name(value->type);
    return ft__fail(err, FT_ERR_ARGUMENT, "", "%s: parameter \"%s\" must be %s; found %s%s%s",
                    e->kind->info.name, name, expected, quote, found, quote);
}

/* One of a few words, as its index; null, where that is the default, is -1. */
static ft_status ft__evaluator_choice(const ft_evaluator *e, const char *name,
                                      const char *const *words, size_t n_words, int *index,
                                      ft_error *err) {
    char expected[160] = "one of";
    const ft__json *value = ft__evaluator_param(e, name);
    *index = -1;
    if (value->type == FT__JSON_NULL) return FT_OK;
    for (size_t i = 0; i < n_words; i++) {
        size_t used = strlen(expected);
        snprintf(expected + used, sizeof expected - used, "%s \"%s\"", i ? "," : "", words[i]);
        if (value->type == FT__JSON_STRING &&
            ft__text_equal(value->text, value->text_len, words[i], strlen(words[i])))
            *index = (int)i;
    }
    return *index < 0 ? ft__evaluator_bad_param(e, name, expected, err) : FT_OK;
}

static ft_status ft__evaluator_unknown_param(const ft_evaluator *e, const char *param,
                                             ft_error *err) {
    const char *names[8], *name = e->kind->info.name;
    size_t n = 0;
    for (const ft__json *d = e->defaults->child; d && n < FT__COUNT(names); d = d->next)
        names[n++] = d->key;
    const char *near = ft__nearest(param, names, n, sizeof *names);
    if (near)
        return ft__fail(err, FT_ERR_ARGUMENT, "",
                        "%s has no parameter \"%.100s\"; did you mean \"%s\"?", name, param, near);
    return ft__fail(err, FT_ERR_ARGUMENT, "", "%s has no parameter \"%.100s\"; they are %s", name,
                    param, e->kind->info.params);
}

static const char *ft__evaluator_type_text(ft__json_type type) {
    return type == FT__JSON_NUMBER   ? "a number"
           : type == FT__JSON_STRING ? "a string"
                                     : "true or false";
}

/* Names and types, against the defaults; what is null there is the evaluator's own business. */
static ft_status ft__evaluator_check_params(ft_evaluator *e, ft_error *err) {
    const ft_evaluator_info *info = &e->kind->info;
    char range[80];
    if (e->given && e->given->type != FT__JSON_OBJECT)
        return ft__fail(err, FT_ERR_ARGUMENT, "", "%s: the parameters must be an object, found %s",
                        info->name, ft__json_type_name(e->given->type));
    for (const ft__json *p = e->given ? e->given->child : NULL; p; p = p->next) {
        const ft__json *known =
            strlen(p->key) == p->key_len ? ft__json_get(e->defaults, p->key) : NULL;
        if (!known) return ft__evaluator_unknown_param(e, p->key, err);
        if (known->type != FT__JSON_NULL &&
            strcmp(ft__json_type_name(known->type), ft__json_type_name(p->type)) != 0)
            return ft__evaluator_bad_param(e, known->key, ft__evaluator_type_text(known->type),
                                           err);
    }
    e->threshold = ft__evaluator_param(e, "threshold")->number;
    if (e->threshold >= info->lowest && e->threshold <= info->highest) return FT_OK;
    snprintf(range, sizeof range, "between %d and %d", (int)info->lowest, (int)info->highest);
    return ft__evaluator_bad_param(e, "threshold", range, err);
}

/* ---- what evaluators share when they score */

/* Writes the detail; never leaves half a character at its end. */
static void ft__evaluator_detail(ft_score *score, const char *fmt, ...) FT__PRINTF(2, 3);
static void ft__evaluator_detail(ft_score *score, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    vsnprintf(score->detail, sizeof score->detail, fmt, args);
    va_end(args);
    size_t n = strlen(score->detail);
    score->detail[n - ft__utf8_incomplete_tail(score->detail, n)] = 0;
}

/* A string as it is, a number as the row spells it, true and false.  NULL text: the value is none
   of these. */
static ft__view ft__evaluator_text_of(const ft__json *value) {
    ft__view v = {NULL, 0};
    switch (value->type) {
    case FT__JSON_STRING:
    case FT__JSON_NUMBER: return ft__evaluator_view(value);
    case FT__JSON_TRUE: v.text = "true", v.n = 4; break;
    case FT__JSON_FALSE: v.text = "false", v.n = 5; break;
    default: break;
    }
    return v;
}

/* Walks the texts to compare with: those of a parameter, or the row's "expected" and each of its
   "references". */
typedef struct ft__answers {
    const ft__json *one, *list;
    size_t n;
} ft__answers;

static const ft__json *ft__answers_next(ft__answers *answers) {
    const ft__json *value = answers->one ? answers->one : answers->list;
    if (answers->one) answers->one = NULL;
    else if (value) answers->list = value->next;
    return value;
}

static bool ft__evaluator_fail(ft_score *score, const char *field, const ft__json *value,
                               const char *expected) {
    score->state = FT_SCORE_ERROR;
    ft__evaluator_detail(score, "\"%s\" must be %s, found %s", field, expected,
                         ft__json_type_name(value->type));
    return false;
}

static void ft__answers_set(ft__answers *answers, const ft__json *one, const ft__json *list) {
    answers->one = one;
    answers->list = list ? list->child : NULL;
    answers->n = (one ? 1 : 0) + (list ? list->count : 0);
}

/* The row's.  False, with an error in the score, unless they are texts and nothing else. */
static bool ft__answers_find(ft__answers *answers, const ft_row *row, ft_score *score) {
    const ft__json *one = ft__row_get(row, "expected"), *list = ft__row_get(row, "references");
    if (one && !ft__evaluator_text_of(one).text)
        return ft__evaluator_fail(score, "expected", one, "a text (use an evaluator for JSON)");
    if (list && list->type != FT__JSON_ARRAY)
        return ft__evaluator_fail(score, "references", list, "a list");
    ft__answers_set(answers, one, list);
    for (const ft__json *v = answers->list; v; v = v->next)
        if (!ft__evaluator_text_of(v).text)
            return ft__evaluator_fail(score, "references", v, "a list of texts");
    if (answers->n) return true;
    score->state = FT_SCORE_ERROR;
    ft__evaluator_detail(score, "row has no \"expected\"");
    return false;
}

/* ---- exact_match, contains */

/* The text as it is compared: perhaps stripped, perhaps in lower case, which then is in the buffer.
   False: out of memory. */
static bool ft__evaluator_fold(const ft_evaluator *e, ft__view *v, ft__buf *low) {
    if (e->strip) *v = ft__text_strip(*v);
    if (!e->ignore_case || v->n == 0) return true;
    low->len = 0;
    ft__lower(v->text, v->n, low);
    v->text = low->data;
    v->n = low->len;
    return !low->failed;
}

/* An empty text is in every output; no row can mean that. */
static bool ft__answers_are_filled(ft__answers answers, ft_score *score) {
    for (const ft__json *value; (value = ft__answers_next(&answers)) != NULL;)
        if (ft__evaluator_text_of(value).n == 0) {
            score->state = FT_SCORE_ERROR;
            ft__evaluator_detail(score, "the text to look for is empty");
            return false;
        }
    return true;
}

/* Is the answer the output, or in it? */
static bool ft__evaluator_compare(const ft_evaluator *e, ft__view output, ft__view answer,
                                  bool *found) {
    ft__buf low;
    bool ok;
    ft__buf_init(&low, &e->arena.allocator);
    ok = ft__evaluator_fold(e, &answer, &low);
    if (ok && e->whole) *found = ft__text_equal(output.text, output.n, answer.text, answer.n);
    else if (ok) ok = ft__text_contains(output, answer, &e->arena.allocator, found);
    ft__buf_free(&low);
    return ok;
}

static bool ft__evaluator_score_texts(const ft_evaluator *e, const ft_row *row, ft__view output,
                                      ft_score *score) {
    ft__answers answers;
    ft__view shown = {NULL, 0}; /* in the detail: the first answer, or the one that is missing */
    char excerpt[64];
    ft__buf low;
    bool found = e->all, ok;
    if (e->text && e->text->type == FT__JSON_ARRAY) ft__answers_set(&answers, NULL, e->text);
    else if (e->text) ft__answers_set(&answers, e->text, NULL);
    else if (!ft__answers_find(&answers, row, score)) return true;
    if (!e->whole && !ft__answers_are_filled(answers, score)) return true;
    ft__buf_init(&low, &e->arena.allocator);
    ok = ft__evaluator_fold(e, &output, &low);
    for (const ft__json *value;
         ok && found == e->all && (value = ft__answers_next(&answers)) != NULL;) {
        ft__view answer = ft__evaluator_text_of(value);
        if (!shown.text || e->all) shown = answer;
        ok = ft__evaluator_compare(e, output, answer, &found);
    }
    ft__buf_free(&low);
    score->value = found;
    if (!ok || found) return ok;
    ft__evaluator_detail(score, e->all || answers.n == 1 ? "%s \"%s\"" : "%s \"%s\" or %zu more",
                         e->whole ? "expected" : "does not contain",
                         ft__text_excerpt(shown, excerpt), answers.n - 1);
    return true;
}

static ft_status ft__evaluator_prepare_exact(ft_evaluator *e, ft_error *err) {
    (void)err;
    e->whole = true;
    e->strip = ft__evaluator_flag(e, "strip");
    e->ignore_case = ft__evaluator_flag(e, "ignore_case");
    return FT_OK;
}

static ft_status ft__evaluator_prepare_contains(ft_evaluator *e, ft_error *err) {
    static const char *const modes[] = {"any", "all"};
    static const char expected[] = "a text that is not empty, or a list of such";
    const ft__json *text = ft__evaluator_param(e, "text"), *each = text;
    int mode;
    ft_status status = ft__evaluator_choice(e, "mode", modes, FT__COUNT(modes), &mode, err);
    if (status != FT_OK) return status;
    e->all = mode == 1;
    e->ignore_case = ft__evaluator_flag(e, "ignore_case");
    if (text->type == FT__JSON_NULL) return FT_OK;
    e->text = text;
    if (text->type == FT__JSON_ARRAY) each = text->child;
    while (each && each->type == FT__JSON_STRING && each->text_len) {
        each = each->next;
        if (text->type != FT__JSON_ARRAY || !each) return FT_OK;
    }
    return ft__evaluator_bad_param(e, "text", expected, err);
}

/* ---- regex */

static ft_status ft__evaluator_prepare_regex(ft_evaluator *e, ft_error *err) {
    const ft__json *pattern = ft__evaluator_param(e, "pattern");
    unsigned flags = 0;
    if (ft__evaluator_flag(e, "ignore_case")) flags |= FT__REGEX_IGNORE_CASE;
    if (ft__evaluator_flag(e, "full")) flags |= FT__REGEX_WHOLE;
    if (pattern->type == FT__JSON_NULL)
        return ft__fail(err, FT_ERR_ARGUMENT, "", "regex needs the parameter \"pattern\"");
    if (pattern->type != FT__JSON_STRING)
        return ft__evaluator_bad_param(e, "pattern", "a string", err);
    ft__view v = ft__evaluator_view(pattern);
    ft_error inner = {FT_OK, "", ""};
    e->regex = ft__regex_compile(v.text, v.n, flags, &e->arena.allocator, &inner);
    return e->regex ? FT_OK : ft__fail(err, inner.code, "", "%s", inner.message);
}

static bool ft__evaluator_score_regex(const ft_evaluator *e, const ft_row *row, ft__view output,
                                      ft_score *score) {
    bool found = false;
    (void)row;
    if (ft__regex_search(e->regex, output.text, output.n, &found, NULL) != FT_OK) return false;
    score->value = found;
    if (!found) ft__evaluator_detail(score, "no match");
    return true;
}

/* ---- token_f1 */

static ft_status ft__evaluator_prepare_nothing(ft_evaluator *e, ft_error *err) {
    (void)e;
    (void)err;
    return FT_OK;
}

/* The best over all answers.  As in the script, those that are empty once normalised do not count;
   where that leaves none, the right answer is none at all. */
static bool ft__evaluator_score_f1(const ft_evaluator *e, const ft_row *row, ft__view output,
                                   ft_score *score) {
    const ft_allocator *a = &e->arena.allocator;
    ft__answers answers;
    ft__squad got, answer;
    bool any = false, ok;
    if (!ft__answers_find(&answers, row, score)) return true;
    ok = ft__squad_read(&got, output, a);
    for (const ft__json *value; ok && (value = ft__answers_next(&answers)) != NULL;) {
        ok = ft__squad_read(&answer, ft__evaluator_text_of(value), a);
        if (ok && answer.n_tokens) {
            double f1 = ft__squad_f1(&got, &answer);
            if (f1 > score->value) score->value = f1;
            any = true;
        }
        ft__squad_free(&answer);
    }
    if (!any) score->value = got.n_tokens == 0;
    ft__squad_free(&got);
    return ok;
}

/* ---- json_valid */

static const char *const ft__evaluator_types[] = {"object", "array", "string", "number", "boolean",
                                                  "null"};

static ft_status ft__evaluator_prepare_json(ft_evaluator *e, ft_error *err) {
    return ft__evaluator_choice(e, "type", ft__evaluator_types, FT__COUNT(ft__evaluator_types),
                                &e->type, err);
}

/* Nested deeper than FT__JSON_MAX_DEPTH, or with a number beyond a double, is not valid here:
   nothing downstream could read it. */
static bool ft__evaluator_score_json(const ft_evaluator *e, const ft_row *row, ft__view output,
                                     ft_score *score) {
    ft__arena arena;
    ft__json *value;
    ft_error inner = {FT_OK, "", ""};
    (void)row;
    ft__arena_init(&arena, &e->arena.allocator);
    ft_status status = ft__json_parse(output.text, output.n, NULL, 1, &arena, &value, &inner);
    if (status != FT_OK) {
        ft__evaluator_detail(score, "%s: %s", inner.where, inner.message);
    } else {
        const char *type = ft__json_type_name(value->type);
        score->value = e->type < 0 || strcmp(type, ft__evaluator_types[e->type]) == 0;
        if (score->value < 1)
            ft__evaluator_detail(score, "expected type %s, found %s", ft__evaluator_types[e->type],
                                 type);
    }
    ft__arena_free(&arena);
    return status != FT_ERR_MEMORY;
}

/* ---- length */

static const char *const ft__evaluator_units[] = {"chars", "words", "bytes"};

static ft_status ft__evaluator_prepare_length(ft_evaluator *e, ft_error *err) {
    const ft__json *min = ft__evaluator_param(e, "min"), *max = ft__evaluator_param(e, "max");
    bool has_max = max->type != FT__JSON_NULL;
    const double most = 9007199254740992.0; /* 2^53 */
    if (!ft__json_is_integer(min, 0, most))
        return ft__evaluator_bad_param(e, "min", "a whole number, 0 or more", err);
    if (has_max && !ft__json_is_integer(max, min->number, most))
        return ft__evaluator_bad_param(e, "max", "null or a whole number not below \"min\"", err);
    e->min = min->number;
    e->max = has_max ? max->number : -1;
    return ft__evaluator_choice(e, "unit", ft__evaluator_units, FT__COUNT(ft__evaluator_units),
                                &e->unit, err);
}

static bool ft__evaluator_score_length(const ft_evaluator *e, const ft_row *row, ft__view output,
                                       ft_score *score) {
    size_t n = e->unit == 0   ? ft__text_chars(output)
               : e->unit == 1 ? ft__text_words(output)
                              : output.n;
    (void)row;
    score->value = (double)n >= e->min && (e->max < 0 || (double)n <= e->max);
    ft__evaluator_detail(score, "%zu %s", n, ft__evaluator_units[e->unit]);
    return true;
}

/* ---- the registry: name, summary, fields, parameters, range, higher is better, threshold,
   signature.  A signature changes when a score could. */

static const ft__evaluator_kind ft__evaluator_kinds[] = {
    {{"exact_match", "the output is the expected text, or one of the references", "expected",
      "{\"strip\": true, \"ignore_case\": false, \"threshold\": 1}",
      0, 1, true, 1, "exact_match|v1"},
     ft__evaluator_prepare_exact, ft__evaluator_score_texts},
    {{"contains", "the output contains the expected text, one of the references, or the given text",
      "expected",
      "{\"text\": null, \"mode\": \"any\", \"ignore_case\": false, \"threshold\": 1}",
      0, 1, true, 1, "contains|v1"},
     ft__evaluator_prepare_contains, ft__evaluator_score_texts},
    {{"regex", "the pattern matches somewhere in the output, or (full) all of it", "",
      "{\"pattern\": null, \"ignore_case\": false, \"full\": false, \"threshold\": 1}",
      0, 1, true, 1, "regex|python-linear|v1"},
     ft__evaluator_prepare_regex, ft__evaluator_score_regex},
    {{"token_f1", "overlap in words with the expected text, as SQuAD 2.0 measures it", "expected",
      "{\"threshold\": 0.5}",
      0, 1, true, 0.5, "token_f1|squad-v2|v1"},
     ft__evaluator_prepare_nothing, ft__evaluator_score_f1},
    {{"json_valid", "the output is one JSON value (RFC 8259), of the given type", "",
      "{\"type\": null, \"threshold\": 1}",
      0, 1, true, 1, "json_valid|rfc8259|v1"},
     ft__evaluator_prepare_json, ft__evaluator_score_json},
    {{"length", "the output has between min and max chars, words or bytes", "",
      "{\"unit\": \"chars\", \"min\": 0, \"max\": null, \"threshold\": 1}",
      0, 1, true, 1, "length|v1"},
     ft__evaluator_prepare_length, ft__evaluator_score_length},
};

int ft_evaluator_count(void) { return (int)FT__COUNT(ft__evaluator_kinds); }

const ft_evaluator_info *ft_evaluator_at(int index) {
    return index >= 0 && index < ft_evaluator_count() ? &ft__evaluator_kinds[index].info : NULL;
}

static const ft__evaluator_kind *ft__evaluator_find(const char *name, ft_error *err) {
    for (size_t i = 0; i < FT__COUNT(ft__evaluator_kinds); i++)
        if (strcmp(ft__evaluator_kinds[i].info.name, name) == 0) return &ft__evaluator_kinds[i];
    const char *near = ft__nearest(name, ft__evaluator_kinds, FT__COUNT(ft__evaluator_kinds),
                                   sizeof *ft__evaluator_kinds);
    if (near)
        ft__fail(err, FT_ERR_ARGUMENT, "",
                 "no evaluator is called \"%.100s\"; did you mean \"%s\"?", name, near);
    else ft__fail(err, FT_ERR_ARGUMENT, "", "no evaluator is called \"%.100s\"", name);
    return NULL;
}

static ft_status ft__evaluator_prepare(ft_evaluator *e, const char *params, ft_error *err) {
    const char *defaults = e->kind->info.params;
    ft__json *value = NULL;
    ft_status status = ft__json_parse(defaults, strlen(defaults), "", 1, &e->arena, &value, err);
    e->defaults = value;
    if (status == FT_OK && params) {
        status = ft__json_parse(params, strlen(params), "params", 1, &e->arena, &value, err);
        e->given = value;
    }
    if (status == FT_OK) status = ft__evaluator_check_params(e, err);
    return status == FT_OK ? e->kind->prepare(e, err) : status;
}

ft_evaluator *ft_evaluator_create(const char *name, const char *params_json,
                                  const ft_allocator *allocator, ft_error *err) {
    const ft__evaluator_kind *kind = ft__evaluator_find(name, err);
    ft_allocator a = ft__allocator(allocator);
    if (!kind) return NULL;
    ft_evaluator *e = (ft_evaluator *)ft__alloc_zero(&a, 1, sizeof *e);
    if (!e) {
        ft__fail_memory(err);
        return NULL;
    }
    e->kind = kind;
    ft__arena_init(&e->arena, &a);
    if (ft__evaluator_prepare(e, params_json, err) == FT_OK) return e;
    ft_evaluator_free(e);
    return NULL;
}

const ft_evaluator_info *ft_evaluator_get_info(const ft_evaluator *evaluator) {
    return &evaluator->kind->info;
}

void ft_evaluator_free(ft_evaluator *evaluator) {
    if (!evaluator) return;
    ft_allocator a = evaluator->arena.allocator;
    ft__regex_free(evaluator->regex);
    ft__arena_free(&evaluator->arena);
    ft__free(&a, evaluator);
}

ft_status ft_evaluate(const ft_evaluator *evaluator, const ft_row *row, const char *output,
                      size_t n_bytes, ft_score *score, ft_error *err) {
    const ft_evaluator_info *info = &evaluator->kind->info;
    ft__view view = {n_bytes ? output : "", n_bytes};
    memset(score, 0, sizeof *score);
    score->state = output ? FT_SCORED : FT_MISSING;
    if (!output) return FT_OK;
    if (!evaluator->kind->score(evaluator, row, view, score)) return ft__fail_memory(err);
    if (score->state == FT_SCORED &&
        !(score->value >= info->lowest && score->value <= info->highest)) {
        score->state = FT_SCORE_ERROR; /* a NaN too */
        ft__evaluator_detail(score, "%s gave a value outside its range", info->name);
    }
    if (score->state != FT_SCORED) score->value = 0;
    else score->pass = info->higher_is_better ? score->value >= evaluator->threshold
                                              : score->value <= evaluator->threshold;
    return FT_OK;
}
