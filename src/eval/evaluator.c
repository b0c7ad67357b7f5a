/* The registry of evaluators.  An evaluator is a row in the table of its room: what people see of
   it, a function that reads its parameters and one that scores.  Its `params` text is at the same
   time the list of the parameters there are, with their types and defaults.

   Every evaluator knows "threshold": a row passes at that value or better. */
#include "eval.h"

typedef const ft__evaluator_kind *(*ft__evaluator_room)(size_t *n);
#define FT__EVALUATOR_ROOM(room) ft__##room##_evaluators,
static const ft__evaluator_room ft__evaluator_rooms[] = {FT__EVALUATOR_ROOMS(FT__EVALUATOR_ROOM)};
#undef FT__EVALUATOR_ROOM

/* The row with this index over all rooms; NULL beyond the last. */
static const ft__evaluator_kind *ft__evaluator_kind_at(size_t index) {
    for (size_t room = 0; room < FT__COUNT(ft__evaluator_rooms); room++) {
        size_t n;
        const ft__evaluator_kind *kinds = ft__evaluator_rooms[room](&n);
        if (index < n) return &kinds[index];
        index -= n;
    }
    return NULL;
}

int ft_evaluator_count(void) {
    size_t n = 0;
    while (ft__evaluator_kind_at(n)) n++;
    return (int)n;
}

const ft_evaluator_info *ft_evaluator_at(int index) {
    const ft__evaluator_kind *kind = index < 0 ? NULL : ft__evaluator_kind_at((size_t)index);
    return kind ? &kind->info : NULL;
}

static const ft__evaluator_kind *ft__evaluator_find(const char *name, ft_error *err) {
    const char *names[256];
    const ft__evaluator_kind *kind;
    size_t n = 0;
    for (size_t i = 0; (kind = ft__evaluator_kind_at(i)) != NULL; i++) {
        if (strcmp(kind->info.name, name) == 0) return kind;
        if (n < FT__COUNT(names)) names[n++] = kind->info.name;
    }
    const char *near = ft__nearest(name, names, n, sizeof *names);
    if (near)
        ft__fail(err, FT_ERR_ARGUMENT, "",
                 "no evaluator is called \"%.100s\"; did you mean \"%s\"?", name, near);
    else ft__fail(err, FT_ERR_ARGUMENT, "", "no evaluator is called \"%.100s\"", name);
    return NULL;
}

/* ---- parameters */

FT__PRIV const ft__json *ft__param(const ft_evaluator *e, const char *name) {
    const ft__json *given = ft__json_get(e->given, name);
    return given ? given : ft__json_get(e->defaults, name);
}

FT__PRIV bool ft__param_flag(const ft_evaluator *e, const char *name) {
    return ft__param(e, name)->type == FT__JSON_TRUE;
}

FT__PRIV ft_status ft__param_bad(const ft_evaluator *e, const char *name, const char *expected,
                                 ft_error *err) {
    char excerpt[66];
    return ft__fail(err, FT_ERR_ARGUMENT, "", "%s: parameter \"%s\" must be %s; found %s",
                    e->kind->info.name, name, expected,
                    ft__json_excerpt(ft__param(e, name), excerpt));
}

FT__PRIV ft_status ft__param_choice(const ft_evaluator *e, const char *name,
                                    const char *const *words, size_t n_words, int *index,
                                    ft_error *err) {
    char expected[200] = "one of";
    const ft__json *value = ft__param(e, name);
    *index = -1;
    if (value->type == FT__JSON_NULL) return FT_OK;
    for (size_t i = 0; i < n_words; i++) {
        size_t used = strlen(expected);
        snprintf(expected + used, sizeof expected - used, "%s \"%s\"", i ? "," : "", words[i]);
        if (value->type == FT__JSON_STRING &&
            ft__text_equal(value->text, value->text_len, words[i], strlen(words[i])))
            *index = (int)i;
    }
    return *index < 0 ? ft__param_bad(e, name, expected, err) : FT_OK;
}

/* "a number of at least 0", "a whole number from 1 to 10" */
static const char *ft__param_range(double lowest, double highest, bool whole, char out[96]) {
    char low[32], high[32];
    const char *kind = whole ? "a whole number" : "a number";
    ft__number_write(lowest, low);
    ft__number_write(highest, high);
    if (highest == DBL_MAX) snprintf(out, 96, "%s of at least %s", kind, low);
    else snprintf(out, 96, "%s from %s to %s", kind, low, high);
    return out;
}

FT__PRIV ft_status ft__param_number(const ft_evaluator *e, const char *name, double lowest,
                                    double highest, bool whole, double *value, ft_error *err) {
    const ft__json *given = ft__param(e, name);
    char range[96];
    *value = given->number;
    if (given->type == FT__JSON_NUMBER && *value >= lowest && *value <= highest &&
        (!whole || ft__floor(*value) == *value))
        return FT_OK;
    return ft__param_bad(e, name, ft__param_range(lowest, highest, whole, range), err);
}

static ft_status ft__evaluator_unknown_param(const ft_evaluator *e, const char *param,
                                             ft_error *err) {
    const char *names[16], *name = e->kind->info.name;
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
    if (e->given && e->given->type != FT__JSON_OBJECT)
        return ft__fail(err, FT_ERR_ARGUMENT, "", "%s: the parameters must be an object, found %s",
                        info->name, ft__json_type_name(e->given->type));
    for (const ft__json *p = e->given ? e->given->child : NULL; p; p = p->next) {
        const ft__json *known =
            strlen(p->key) == p->key_len ? ft__json_get(e->defaults, p->key) : NULL;
        if (!known) return ft__evaluator_unknown_param(e, p->key, err);
        if (known->type != FT__JSON_NULL &&
            strcmp(ft__json_type_name(known->type), ft__json_type_name(p->type)) != 0)
            return ft__param_bad(e, known->key, ft__evaluator_type_text(known->type), err);
    }
    return ft__param_number(e, "threshold", info->lowest, info->highest, false, &e->threshold, err);
}

/* ---- scores */

/* Never leaves half a character at its end. */
static void ft__score_write(ft_score *score, const char *fmt, va_list args) {
    vsnprintf(score->detail, sizeof score->detail, fmt, args);
    size_t n = strlen(score->detail);
    score->detail[n - ft__utf8_incomplete_tail(score->detail, n)] = 0;
}

FT__PRIV void ft__score_detail(ft_score *score, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    ft__score_write(score, fmt, args);
    va_end(args);
}

FT__PRIV bool ft__score_error(ft_score *score, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    ft__score_write(score, fmt, args);
    va_end(args);
    score->state = FT_SCORE_ERROR;
    return true;
}

FT__PRIV void ft__score_span(ft_score *score, size_t begin, size_t end, const char *what) {
    if (score->n_spans < FT_MAX_SPANS) {
        ft_span *span = &score->spans[score->n_spans];
        span->begin = begin;
        span->end = end;
        span->what = what;
    }
    score->n_spans++;
}

FT__PRIV void ft__score_counts(ft_score *score, const char *const *names, const size_t *counts,
                               size_t n) {
    char text[sizeof score->detail] = "";
    size_t used = 0;
    for (size_t i = 0; i < n && used < sizeof text - 1; i++) {
        if (!counts[i]) continue;
        int more = snprintf(text + used, sizeof text - used, "%s%zu %s", used ? ", " : "",
                            counts[i], names[i]);
        used += more > 0 ? (size_t)more : 0;
    }
    ft__score_detail(score, "%s", text);
}

/* ---- from name and parameters to an evaluator */

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
    return status == FT_OK && e->kind->prepare ? e->kind->prepare(e, err) : status;
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
    if (evaluator->kind->release) evaluator->kind->release(evaluator);
    ft__arena_free(&evaluator->arena);
    ft__free(&a, evaluator);
}

/* The state of an output without the evidence that the evaluator judges. */
static void ft__evaluator_without(const ft_evaluator *e, const ft_output *output, ft_score *score) {
    score->state = FT_MISSING;
    if (output->text && e->kind->info.evidence != FT_FROM_TEXT)
        ft__score_error(score, "%s judges likelihoods, which were not given", e->kind->info.name);
}

ft_status ft_evaluate_output(const ft_evaluator *evaluator, const ft_row *row,
                             const ft_output *output, ft_score *score, ft_error *err) {
    const ft_evaluator_info *info = &evaluator->kind->info;
    bool there = info->evidence == FT_FROM_TEXT ? output->text != NULL : output->options != NULL;
    ft__view view = {"", 0};
    ft_row seen = *row;
    memset(score, 0, sizeof *score);
    seen.output = output;
    if (output->text && output->n_bytes) view.text = output->text, view.n = output->n_bytes;
    if (!there) ft__evaluator_without(evaluator, output, score);
    else if (!evaluator->kind->score(evaluator, &seen, view, score)) return ft__fail_memory(err);
    if (score->state == FT_SCORED &&
        !(score->value >= info->lowest && score->value <= info->highest)) /* NaN, too */
        ft__score_error(score, "%s gave a value outside its range", info->name);
    if (score->state != FT_SCORED) score->value = 0;
    else score->pass = info->higher_is_better ? score->value >= evaluator->threshold
                                              : score->value <= evaluator->threshold;
    return FT_OK;
}

ft_status ft_evaluate(const ft_evaluator *evaluator, const ft_row *row, const char *output,
                      size_t n_bytes, ft_score *score, ft_error *err) {
    ft_output o;
    memset(&o, 0, sizeof o);
    o.text = output;
    o.n_bytes = n_bytes;
    return ft_evaluate_output(evaluator, row, &o, score, err);
}
