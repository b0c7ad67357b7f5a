/* What users add: an evaluator from a C function, and, without code, a rubric of checks.

   A rubric's "checks" are a list of {"use": evaluator, "params": {...}, "weight": 1, "cohorts": [patterns],
   "name": ...}.  By "mode" the score is 1 if "all" or "any" of them pass, or the "weighted" share of those that
   do; with "credit": "value" the weighted share of their values, for evaluators from 0 to 1.  A check
   limited to cohorts the row is not in (by its field "cohort") does not count; where none counts, the rubric
   is not applicable.  A check that has an error makes the rubric an error. */
#include "eval.h"

/* ---- a C function */

typedef struct ft__custom {
    ft__evaluator_kind kind; /* this evaluator's own */
    ft_evaluate_fn fn;
    void *user;
} ft__custom;

static bool ft__custom_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                             ft_score *score) {
    const ft__custom *c = (const ft__custom *)e->state;
    if (c->fn(c->user, row, output.text, output.n, score) == 0) return true;
    score->state = FT_SCORE_ERROR;
    if (!score->detail[0]) ft__score_detail(score, "%s failed", c->kind.info.name);
    return true;
}

static const char *ft__custom_text(ft_evaluator *e, const char *text) {
    return ft__arena_text(&e->arena, text ? text : "", text ? strlen(text) : 0);
}

static ft_status ft__custom_fill(ft_evaluator *e, const ft_evaluator_info *info, ft_evaluate_fn fn,
                                 void *user, ft_error *err) {
    ft__custom *c = (ft__custom *)ft__arena_alloc(&e->arena, 1, sizeof *c);
    if (!c) return ft__fail_memory(err);
    c->fn = fn;
    c->user = user;
    c->kind.score = ft__custom_score;
    c->kind.info = *info;
    c->kind.info.name = ft__custom_text(e, info->name);
    c->kind.info.summary = ft__custom_text(e, info->summary);
    c->kind.info.fields = ft__custom_text(e, info->fields);
    c->kind.info.signature = ft__custom_text(e, info->signature);
    c->kind.info.params = "{}";
    c->kind.info.evidence = FT_FROM_TEXT;
    e->kind = &c->kind;
    e->state = c;
    e->threshold = info->threshold;
    return e->arena.failed ? ft__fail_memory(err) : FT_OK;
}

ft_evaluator *ft_evaluator_create_custom(const ft_evaluator_info *info, ft_evaluate_fn fn,
                                         void *user, const ft_allocator *allocator,
                                         ft_error *err) {
    ft_allocator a = ft__allocator(allocator);
    if (!info || !fn || !info->name || !info->name[0] || !info->signature || !info->signature[0] ||
        !(info->lowest < info->highest) || !(info->threshold >= info->lowest) ||
        !(info->threshold <= info->highest)) {
        ft__fail(err, FT_ERR_ARGUMENT, "",
                 "an evaluator of your own needs a function, a name, a signature, and a range "
                 "with its threshold inside");
        return NULL;
    }
    ft_evaluator *e = (ft_evaluator *)ft__alloc_zero(&a, 1, sizeof *e);
    if (!e) {
        ft__fail_memory(err);
        return NULL;
    }
    ft__arena_init(&e->arena, &a);
    if (ft__custom_fill(e, info, fn, user, err) == FT_OK) return e;
    ft__arena_free(&e->arena);
    ft__free(&a, e);
    return NULL;
}

/* ---- a rubric */

typedef struct ft__rubric_check {
    const char *name;
    double weight;
    ft_evaluator *evaluator;
    const ft__json *cohorts; /* a list of patterns, or NULL */
} ft__rubric_check;

typedef struct ft__rubric {
    ft__rubric_check *checks; /* (n) */
    int n, mode, credit;
} ft__rubric;

enum { FT__RUBRIC_ALL, FT__RUBRIC_ANY, FT__RUBRIC_WEIGHTED };
static const char *const ft__rubric_modes[] = {"all", "any", "weighted"};
static const char *const ft__rubric_credits[] = {"pass", "value"};

static ft_status ft__rubric_fail(int check, ft_error *err, const char *why) {
    return ft__fail(err, FT_ERR_ARGUMENT, "", "rubric: checks[%d]: %.200s", check, why);
}

/* Unknown keys are mistakes here as everywhere. */
static ft_status ft__rubric_check_keys(const ft__json *json, int index, ft_error *err) {
    static const struct {
        const char *name;
        ft__json_type type;
    } keys[] = {{"use", FT__JSON_STRING}, {"name", FT__JSON_STRING}, {"params", FT__JSON_OBJECT},
                {"weight", FT__JSON_NUMBER}, {"cohorts", FT__JSON_ARRAY}};
    char why[128];
    if (json->type != FT__JSON_OBJECT) return ft__rubric_fail(index, err, "must be an object");
    for (const ft__json *k = json->child; k; k = k->next) {
        size_t i = 0;
        while (i < FT__COUNT(keys) && strcmp(keys[i].name, k->key) != 0) i++;
        if (i < FT__COUNT(keys) && keys[i].type == k->type) continue;
        if (i < FT__COUNT(keys))
            snprintf(why, sizeof why, "\"%s\" has the wrong type, %s", keys[i].name,
                     ft__json_type_name(k->type));
        else
            snprintf(why, sizeof why, "there is no key \"%.40s\"; they are use, name, params, "
                     "weight, cohorts", k->key);
        return ft__rubric_fail(index, err, why);
    }
    return ft__json_get(json, "use") ? FT_OK : ft__rubric_fail(index, err, "\"use\" is missing");
}

static ft_status ft__rubric_read_check(ft_evaluator *e, ft__rubric *r, const ft__json *json,
                                       ft_error *err) {
    const ft__json *params = ft__json_get(json, "params"), *weight = ft__json_get(json, "weight");
    const ft__json *name = ft__json_get(json, "name");
    ft__rubric_check *check = &r->checks[r->n];
    ft__json_writer w;
    ft__buf text;
    ft_error inner = {FT_OK, "", ""};
    ft_status status = ft__rubric_check_keys(json, r->n, err);
    if (status) return status;
    check->weight = weight ? weight->number : 1;
    check->cohorts = ft__json_get(json, "cohorts");
    check->name = (name ? name : ft__json_get(json, "use"))->text;
    if (!(check->weight > 0)) return ft__rubric_fail(r->n, err, "\"weight\" must be above 0");
    for (const ft__json *c = check->cohorts ? check->cohorts->child : NULL; c; c = c->next)
        if (c->type != FT__JSON_STRING)
            return ft__rubric_fail(r->n, err, "\"cohorts\" must be a list of texts");
    ft__buf_init(&text, &e->arena.allocator);
    ft__json_writer_init(&w, &text, 0);
    if (params) ft__json_value(&w, params);
    if (!text.failed)
        check->evaluator =
            ft_evaluator_create(ft__json_get(json, "use")->text, params ? text.data : NULL,
                                &e->arena.allocator, &inner);
    if (text.failed) status = ft__fail_memory(err);
    else if (!check->evaluator && inner.code == FT_ERR_MEMORY) status = ft__fail_memory(err);
    else if (!check->evaluator) status = ft__rubric_fail(r->n, err, inner.message);
    ft__buf_free(&text);
    if (status) return status;
    const ft_evaluator_info *info = ft_evaluator_get_info(check->evaluator);
    if (info->evidence != FT_FROM_TEXT)
        status = ft__rubric_fail(r->n, err, "a rubric checks texts only");
    if (r->credit && !(info->lowest == 0 && info->highest == 1 && info->higher_is_better))
        status = ft__rubric_fail(r->n, err, "\"credit\": \"value\" needs values from 0 to 1");
    r->n++;
    return status;
}

static void ft__rubric_release(ft_evaluator *e) {
    ft__rubric *r = (ft__rubric *)e->state;
    for (int i = 0; r && i < r->n; i++) ft_evaluator_free(r->checks[i].evaluator);
}

static ft_status ft__rubric_prepare(ft_evaluator *e, ft_error *err) {
    const ft__json *checks = ft__param(e, "checks");
    ft__rubric *r = (ft__rubric *)ft__arena_alloc(&e->arena, 1, sizeof *r);
    if (!r) return ft__fail_memory(err);
    e->state = r;
    if (checks->type != FT__JSON_ARRAY || !checks->count || checks->count > 1000)
        return ft__param_bad(e, "checks", "a list of 1 to 1000 checks", err);
    r->checks = (ft__rubric_check *)ft__arena_alloc(&e->arena, checks->count, sizeof *r->checks);
    if (!r->checks) return ft__fail_memory(err);
    ft_status status = ft__param_choice(e, "mode", ft__rubric_modes, FT__COUNT(ft__rubric_modes),
                                        &r->mode, err);
    if (!status)
        status = ft__param_choice(e, "credit", ft__rubric_credits, FT__COUNT(ft__rubric_credits),
                                  &r->credit, err);
    for (const ft__json *c = checks->child; c && !status; c = c->next)
        status = ft__rubric_read_check(e, r, c, err);
    return status;
}

static bool ft__rubric_in(const ft__rubric_check *check, const ft__json *cohort) {
    for (const ft__json *p = check->cohorts->child; p; p = p->next)
        if (cohort && cohort->type == FT__JSON_STRING && ft__glob(p->text, cohort->text)) return true;
    return false;
}

/* The row's "cohort" is a text or a list of texts. */
static bool ft__rubric_applies(const ft__rubric_check *check, const ft_row *row) {
    const ft__json *cohort = ft__row_get(row, "cohort");
    if (!check->cohorts) return true;
    if (!cohort || cohort->type != FT__JSON_ARRAY) return ft__rubric_in(check, cohort);
    for (const ft__json *c = cohort->child; c; c = c->next)
        if (ft__rubric_in(check, c)) return true;
    return false;
}

static bool ft__rubric_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                             ft_score *score) {
    const ft__rubric *r = (const ft__rubric *)e->state;
    double sum = 0, weight = 0;
    int n = 0, n_pass = 0;
    for (int i = 0; i < r->n; i++) {
        const ft__rubric_check *check = &r->checks[i];
        ft_score one;
        if (!ft__rubric_applies(check, row)) continue;
        if (ft_evaluate(check->evaluator, row, output.text, output.n, &one, NULL)) return false;
        if (one.state == FT_NOT_APPLICABLE) continue;
        if (one.state != FT_SCORED) return ft__score_error(score, "%s: %s", check->name, one.detail);
        n++;
        n_pass += one.pass;
        weight += check->weight;
        sum += check->weight * (r->credit ? one.value : one.pass);
        if (!one.pass && !score->detail[0])
            ft__score_detail(score, "%s: %s", check->name, one.detail[0] ? one.detail : "not passed");
    }
    if (!n) {
        score->state = FT_NOT_APPLICABLE;
        return true;
    }
    score->value = r->mode == FT__RUBRIC_ALL   ? n_pass == n
                   : r->mode == FT__RUBRIC_ANY ? n_pass > 0
                                               : sum / weight;
    return true;
}

FT__PRIV const ft__evaluator_kind *ft__custom_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"rubric", "a list of checks: all, any, or the weighted share of those that pass", "",
          "{\"checks\": null, \"mode\": \"weighted\", \"credit\": \"pass\", \"threshold\": 1}",
          0, 1, true, 1, "rubric|v1", FT_FROM_TEXT},
         0, ft__rubric_prepare, ft__rubric_score, ft__rubric_release},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
