/* The job file.  It is parsed, every --set is put into the tree, one walker holds the tree against
   the tables of keys below, and only then is it read into plain structs: whoever reads a key knows
   that its type and range are right. */
#include "release.h"

/* ---- the keys of a job */

static const ft__shape ft__job_text = {"", FT__SHAPE_NAME, 0, 0, NULL, NULL};

static const ft__shape ft__job_base_keys[] = {
    {"model", FT__SHAPE_NAME | FT__SHAPE_NEEDED, 0, 0, NULL, NULL},
    {"quantize", FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL}};

static const ft__shape ft__job_candidate_keys[] = {
    {"name", FT__SHAPE_NAME | FT__SHAPE_NEEDED, 0, 0, NULL, NULL},
    {"adapter", FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {"scale", FT__SHAPE_NUMBER, -FLT_MAX, FLT_MAX, NULL, NULL},
    {"merge", FT__SHAPE_BOOL, 0, 0, NULL, NULL},
    {"model", FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {"quantize", FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL}};
static const ft__shape ft__job_candidate = {"", FT__SHAPE_OBJECT,       0,
                                            0,  ft__job_candidate_keys, NULL};

static const ft__shape ft__job_data_keys[] = {
    {"path", FT__SHAPE_NAME | FT__SHAPE_NEEDED, 0, 0, NULL, NULL},
    {"fields", FT__SHAPE_OBJECT, 0, 0, NULL, &ft__job_text},
    {NULL, 0, 0, 0, NULL, NULL}};
static const ft__shape ft__job_data = {"", FT__SHAPE_OBJECT, 0, 0, ft__job_data_keys, NULL};

static const ft__shape ft__job_shot_keys[] = {
    {"path", FT__SHAPE_NAME | FT__SHAPE_NEEDED, 0, 0, NULL, NULL},
    {"n", FT__SHAPE_NUMBER | FT__SHAPE_WHOLE, 1, 10000, NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL}};

static const ft__shape ft__job_prompt_keys[] = {
    {"template", FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {"system", FT__SHAPE_STRING | FT__SHAPE_NULL, 0, 0, NULL, NULL},
    {"few_shot", FT__SHAPE_OBJECT | FT__SHAPE_NULL, 0, 0, ft__job_shot_keys, NULL},
    {"now", FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL}};

static const ft__shape ft__job_generate_keys[] = {
    {"max_tokens", FT__SHAPE_NUMBER | FT__SHAPE_WHOLE, 1, 100000, NULL, NULL},
    {"temperature", FT__SHAPE_NUMBER, 0, 1000, NULL, NULL},
    {"top_k", FT__SHAPE_NUMBER | FT__SHAPE_WHOLE, 0, INT_MAX, NULL, NULL},
    {"top_p", FT__SHAPE_NUMBER, 0, 1, NULL, NULL},
    {"min_p", FT__SHAPE_NUMBER, 0, 1, NULL, NULL},
    {"seed", FT__SHAPE_NUMBER | FT__SHAPE_WHOLE, 0, 9007199254740991.0, NULL, NULL},
    {"stop", FT__SHAPE_LIST, 0, 0, NULL, &ft__job_text},
    {"repeat", FT__SHAPE_NUMBER | FT__SHAPE_WHOLE, 1, 1000, NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL}};

static const ft__shape ft__job_evaluator_keys[] = {
    {"use", FT__SHAPE_NAME | FT__SHAPE_NEEDED, 0, 0, NULL, NULL},
    {"name", FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {"params", FT__SHAPE_OBJECT, 0, 0, NULL, NULL},
    {"cohorts", FT__SHAPE_LIST | FT__SHAPE_FILLED, 0, 0, NULL, &ft__job_text},
    {NULL, 0, 0, 0, NULL, NULL}};
static const ft__shape ft__job_entry = {"", FT__SHAPE_OBJECT, 0, 0, ft__job_evaluator_keys, NULL};

static const ft__shape ft__job_rule_keys[] = {
    {"evaluator", FT__SHAPE_NAME | FT__SHAPE_NEEDED, 0, 0, NULL, NULL},
    {"cohort", FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {"max_drop", FT__SHAPE_NUMBER, 0, DBL_MAX, NULL, NULL},
    {"min_gain", FT__SHAPE_NUMBER, 0, DBL_MAX, NULL, NULL},
    {"mode", FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL}};
static const ft__shape ft__job_rule = {"", FT__SHAPE_OBJECT, 0, 0, ft__job_rule_keys, NULL};

static const ft__shape ft__job_gate_keys[] = {{"alpha", FT__SHAPE_NUMBER, 0, 1, NULL, NULL},
                                              {"correction", FT__SHAPE_NAME, 0, 0, NULL, NULL},
                                              {"rules", FT__SHAPE_LIST, 0, 0, NULL, &ft__job_rule},
                                              {NULL, 0, 0, 0, NULL, NULL}};

static const ft__shape ft__job_probe_keys[] = {
    {"path", FT__SHAPE_NAME | FT__SHAPE_NEEDED, 0, 0, NULL, NULL},
    {"evaluator", FT__SHAPE_NAME | FT__SHAPE_NEEDED, 0, 0, NULL, NULL},
    {"max_drop", FT__SHAPE_NUMBER | FT__SHAPE_NEEDED, 0, DBL_MAX, NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL}};
static const ft__shape ft__job_probe = {"", FT__SHAPE_OBJECT, 0, 0, ft__job_probe_keys, NULL};

static const ft__shape ft__job_keys[] = {
    {"name", FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {"base", FT__SHAPE_OBJECT | FT__SHAPE_NEEDED, 0, 0, ft__job_base_keys, NULL},
    {"candidates", FT__SHAPE_LIST | FT__SHAPE_FILLED | FT__SHAPE_NEEDED, 0, 0, NULL,
     &ft__job_candidate},
    {"data", FT__SHAPE_LIST, 0, 0, NULL, &ft__job_data},
    {"cohort_by", FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {"prompt", FT__SHAPE_OBJECT, 0, 0, ft__job_prompt_keys, NULL},
    {"generate", FT__SHAPE_OBJECT, 0, 0, ft__job_generate_keys, NULL},
    {"evaluators", FT__SHAPE_LIST, 0, 0, NULL, &ft__job_entry},
    {"gate", FT__SHAPE_OBJECT, 0, 0, ft__job_gate_keys, NULL},
    {"probes", FT__SHAPE_OBJECT, 0, 0, NULL, &ft__job_probe},
    {"tokens", FT__SHAPE_BOOL, 0, 0, NULL, NULL},
    {"output", FT__SHAPE_NAME | FT__SHAPE_NULL, 0, 0, NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL}};
static const ft__shape ft__job_shape = {"", FT__SHAPE_OBJECT, 0, 0, ft__job_keys, NULL};

/* ---- --set path.to.key=JSON */

static ft_status ft__job_set_fail(ft_error *err, const char *set, const char *why) {
    return ft__fail(err, FT_ERR_ARGUMENT, "--set", "%.160s: %.160s", set, why);
}

/* Lines of the argument are no lines of the job file.  As deep as the parser allows, at most. */
static void ft__job_set_forget_lines(ft__json *value) {
    value->line = 0;
    for (ft__json *child = value->child; child; child = child->next)
        ft__job_set_forget_lines(child);
}

static ft__json *ft__job_set_member(ft__json *object, ft__arena *arena, const char *key) {
    ft__json *found = ft__json_get(object, key), **end = &object->child;
    if (found) return found;
    ft__json *added = (ft__json *)ft__arena_alloc(arena, 1, sizeof *added);
    if (!added) return NULL;
    added->type = FT__JSON_OBJECT;
    added->key = key;
    added->key_len = strlen(key);
    while (*end) end = &(*end)->next;
    *end = added;
    object->count++;
    return added;
}

static ft__json *ft__job_set_element(const ft__json *list, const char *key) {
    size_t index = 0;
    if (!*key || strlen(key) > 9) return NULL;
    for (; *key; key++) {
        if (*key < '0' || *key > '9') return NULL;
        index = 10 * index + (size_t)(*key - '0');
    }
    ft__json *element = list->child;
    while (element && index--) element = element->next;
    return element;
}

static ft_status ft__job_set(ft__json *tree, ft__arena *arena, const char *set, ft_error *err) {
    const char *equals = set ? strchr(set, '=') : NULL;
    ft__json *value, *at = tree;
    ft_error inner;
    if (!equals || equals == set)
        return ft__job_set_fail(err, set ? set : "", "must be path.to.key=JSON");
    ft_status status =
        ft__json_parse(equals + 1, strlen(equals + 1), "value", 1, arena, &value, &inner);
    if (status == FT_ERR_MEMORY) return ft__fail_memory(err);
    if (status)
        return ft__fail(err, FT_ERR_ARGUMENT, "--set",
                        "%.120s: not JSON (a text needs quotes): %.160s", set, inner.message);
    ft__job_set_forget_lines(value);
    for (const char *key = set; key < equals;) {
        size_t n = strcspn(key, ".=");
        const char *name = ft__arena_text(arena, key, n);
        if (!name) return ft__fail_memory(err);
        if (!n) return ft__job_set_fail(err, set, "the path has an empty part");
        if (at->type == FT__JSON_OBJECT) {
            at = ft__job_set_member(at, arena, name);
            if (!at) return ft__fail_memory(err);
        } else if (at->type == FT__JSON_ARRAY) {
            at = ft__job_set_element(at, name);
            if (!at)
                return ft__job_set_fail(err, set,
                                        "the list has no such element (they count from 0)");
        } else {
            return ft__job_set_fail(err, set,
                                    "the path leads through a value that is no object or list");
        }
        key += n + (key + n < equals);
        if (key == equals && key[-1] == '.')
            return ft__job_set_fail(err, set, "the path has an empty part");
    }
    value->key = at->key;
    value->key_len = at->key_len;
    value->next = at->next;
    *at = *value;
    return FT_OK;
}

/* ---- from the checked tree to structs */

FT__PRIV ft_status ft__job_fail(const ft_job *job, ft_error *err, uint32_t line, const char *fmt,
                                ...) {
    char message[sizeof err->message], where[384];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    return ft__fail(err, FT_ERR_JOB, ft__shape_where(job->path, line, where), "%s", message);
}

static double ft__job_number(const ft__json *object, const char *key, double otherwise) {
    const ft__json *value = ft__json_get(object, key);
    return value ? value->number : otherwise;
}

/* NULL where the key is absent or null. */
static const char *ft__job_string(const ft__json *object, const char *key) {
    const ft__json *value = ft__json_get(object, key);
    return value && value->type == FT__JSON_STRING ? value->text : NULL;
}

static size_t ft__job_count(const ft__json *value) { return value ? value->count : 0; }

/* The texts of a list. */
static const char **ft__job_strings(ft__arena *arena, const ft__json *list, int *n) {
    const char **texts =
        (const char **)ft__arena_alloc(arena, ft__job_count(list) + 1, sizeof *texts);
    *n = 0;
    if (!texts || !list) return texts;
    for (const ft__json *e = list->child; e; e = e->next) texts[(*n)++] = e->text;
    return texts;
}

/* Lengths of lists become ints. */
static ft_status ft__job_check_sizes(const ft_job *job, ft_error *err) {
    static const char *const lists[] = {"candidates", "data", "evaluators", "gate.rules", "probes"};
    for (size_t i = 0; i < FT__COUNT(lists); i++) {
        const ft__json *list = ft__json_path(job->tree, lists[i]);
        if (ft__job_count(list) > 10000)
            return ft__job_fail(job, err, list->line, "\"%s\" has more than 10000 entries",
                                lists[i]);
    }
    return FT_OK;
}

/* "template" is "auto" (the model's own), "none", or a .jinja file. */
static ft_status ft__job_read_template(ft_job *job, const ft__json *prompt, ft_error *err) {
    const char *name = ft__job_string(prompt, "template");
    size_t n = name ? strlen(name) : 0;
    job->templated = !name || strcmp(name, "none") != 0;
    if (!job->templated || !name || strcmp(name, "auto") == 0) return FT_OK;
    if (n < 6 || strcmp(name + n - 6, ".jinja") != 0)
        return ft__job_fail(job, err, ft__json_get(prompt, "template")->line,
                            "\"prompt.template\" must be \"auto\", \"none\" or a .jinja file, found "
                            "\"%.80s\"", name);
    job->template_path = ft__path_beside(&job->arena, job->path, name);
    return job->template_path ? FT_OK : ft__fail_memory(err);
}

static ft_status ft__job_read_prompt(ft_job *job, ft_error *err) {
    const ft__json *prompt = ft__json_get(job->tree, "prompt");
    const ft__json *system = ft__json_get(prompt, "system");
    const ft__json *shots = ft__json_get(prompt, "few_shot");
    ft_status status = ft__job_read_template(job, prompt, err);
    if (system && system->type == FT__JSON_STRING) job->system = system;
    if (shots && shots->type != FT__JSON_OBJECT) shots = NULL;
    job->now = ft__job_string(prompt, "now");
    if (!status && !job->templated && (job->system || shots))
        return ft__job_fail(job, err, prompt->line,
                            "\"prompt.%s\" needs a chat template, but \"prompt.template\" is \"none\"",
                            job->system ? "system" : "few_shot");
    if (status || !shots) return status;
    job->shots_path = ft__path_beside(&job->arena, job->path, ft__job_string(shots, "path"));
    return job->shots_path ? ft__prompt_read_shots(job, job->shots_path,
                                                   (size_t)ft__job_number(shots, "n", 10000), err)
                           : ft__fail_memory(err);
}

static int ft__job_add_model(ft_job *job, const char *path, const char *quantize, int merged) {
    job->models[job->n_models] = path;
    job->quantize[job->n_models] = quantize;
    job->merged[job->n_models] = merged;
    return job->n_models++;
}

static int ft__job_model(ft_job *job, const char *path, const char *quantize) {
    for (int i = 0; i < job->n_models; i++)
        if (!job->merged[i] && strcmp(job->models[i], path) == 0 &&
            (quantize ? job->quantize[i] && strcmp(job->quantize[i], quantize) == 0 : !job->quantize[i]))
            return i;
    return ft__job_add_model(job, path, quantize, 0);
}

/* The type that base or candidate is brought into at load, or NULL. */
static ft_status ft__job_quantize(const ft_job *job, const ft__json *entry, const char **type,
                                  ft_error *err) {
    char names[256] = "";
    *type = ft__job_string(entry, "quantize");
    for (int i = 0, n = 0; *type && ft_quantize_type_at(i) && n < (int)sizeof names; i++) {
        if (strcmp(*type, ft_quantize_type_at(i)) == 0) return FT_OK;
        n += snprintf(names + n, sizeof names - (size_t)n, i ? ", %s" : "%s", ft_quantize_type_at(i));
    }
    if (!*type) return FT_OK;
    return ft__job_fail(job, err, ft__json_get(entry, "quantize")->line,
                        "\"quantize\": found \"%.40s\", expected one of %s", *type, names);
}

static ft_status ft__job_add_candidate(ft_job *job, const ft__json *entry, ft_error *err) {
    ft__variant *v = &job->variants[job->n_variants];
    const char *model = ft__job_string(entry, "model"), *adapter = ft__job_string(entry, "adapter");
    int i = job->n_variants - 1;
    v->name = ft__job_string(entry, "name");
    v->line = entry->line;
    v->scale = ft__job_number(entry, "scale", 1.0);
    for (int k = 0; k < job->n_variants; k++)
        if (strcmp(job->variants[k].name, v->name) == 0)
            return ft__job_fail(job, err, v->line,
                                k ? "candidates[%d]: the name \"%.100s\" is taken"
                                  : "candidates[%d]: only the base is called \"%.100s\"",
                                i, v->name);
    const ft__json *merge = ft__json_get(entry, "merge");
    const char *type;
    ft_status status = ft__job_quantize(job, entry, &type, err);
    if (status) return status;
    v->merge = merge && merge->type == FT__JSON_TRUE;
    if (!model && !adapter && !type)
        return ft__job_fail(job, err, v->line,
                            "candidates[%d] (\"%.100s\") needs an \"adapter\" or a \"model\"", i,
                            v->name);
    if (!adapter && v->merge)
        return ft__job_fail(job, err, v->line,
                            "candidates[%d] (\"%.100s\"): \"merge\" needs an \"adapter\"", i, v->name);
    if (!adapter && ft__json_get(entry, "scale"))
        return ft__job_fail(job, err, v->line,
                            "candidates[%d] (\"%.100s\"): \"scale\" needs an \"adapter\"", i,
                            v->name);
    if (model) model = ft__path_beside(&job->arena, job->path, model);
    if (adapter) v->adapter = ft__path_beside(&job->arena, job->path, adapter);
    if (job->arena.failed) return ft__fail_memory(err);
    const char *stored = model ? NULL : job->quantize[0]; /* the base is what it is for all */
    v->quantize = type ? type : stored;
    if (v->merge) {
        v->base = ft__job_model(job, model ? model : job->models[0], stored);
        v->model = ft__job_add_model(job, job->models[v->base], type, job->n_variants);
    } else {
        v->model = ft__job_model(job, model ? model : job->models[0], v->quantize);
    }
    job->n_variants++;
    return FT_OK;
}

static ft_status ft__job_read_variants(ft_job *job, ft_error *err) {
    const ft__json *base = ft__json_get(job->tree, "base");
    const ft__json *list = ft__json_get(job->tree, "candidates");
    job->variants =
        (ft__variant *)ft__arena_alloc(&job->arena, list->count + 1, sizeof *job->variants);
    const size_t n_models = 2 * list->count + 1; /* a merged one and what it comes from */
    job->models = (const char **)ft__arena_alloc(&job->arena, n_models, sizeof *job->models);
    job->quantize = (const char **)ft__arena_alloc(&job->arena, n_models, sizeof *job->quantize);
    job->merged = (int *)ft__arena_alloc(&job->arena, n_models, sizeof *job->merged);
    const char *path = ft__path_beside(&job->arena, job->path, ft__job_string(base, "model"));
    if (job->arena.failed) return ft__fail_memory(err);
    job->variants[0].name = "base";
    job->variants[0].scale = 1;
    job->variants[0].line = base->line;
    ft_status status = ft__job_quantize(job, base, &job->variants[0].quantize, err);
    if (status) return status;
    job->variants[0].model = ft__job_model(job, path, job->variants[0].quantize);
    job->n_variants = 1;
    for (const ft__json *e = list->child; e && !status; e = e->next)
        status = ft__job_add_candidate(job, e, err);
    return status;
}

static ft_status ft__job_read_generate(ft_job *job, ft_error *err) {
    const ft__json *g = ft__json_get(job->tree, "generate");
    job->max_tokens = (int)ft__job_number(g, "max_tokens", 64);
    job->repeat = (int)ft__job_number(g, "repeat", 1);
    job->temperature = ft__job_number(g, "temperature", 0);
    job->top_p = ft__job_number(g, "top_p", 1);
    job->min_p = ft__job_number(g, "min_p", 0);
    job->sampling.temperature = (float)job->temperature;
    job->sampling.top_k = (int)ft__job_number(g, "top_k", 0);
    job->sampling.top_p = (float)job->top_p;
    job->sampling.min_p = (float)job->min_p;
    job->sampling.seed = (uint64_t)ft__job_number(g, "seed", 1);
    job->stops = ft__job_strings(&job->arena, ft__json_get(g, "stop"), &job->n_stops);
    return job->stops ? FT_OK : ft__fail_memory(err);
}

/* A judge's model is a path like those of base and candidates. */
static ft_status ft__job_read_judge(ft_job *job, ft__job_evaluator *e, const char *place,
                                    ft_error *err) {
    if (ft_evaluator_get_info(e->handle)->evidence != FT_FROM_JUDGE) return FT_OK;
    const char *model = ft__job_string(e->params, "model");
    if (!model)
        return ft__job_fail(job, err, e->line, "%.100s: a judge needs \"params\": {\"model\": PATH}",
                            place);
    e->judge = ft__path_beside(&job->arena, job->path, model);
    return e->judge ? FT_OK : ft__fail_memory(err);
}

/* One of the registry, or one of the host program's own. */
static ft_evaluator *ft__job_create_evaluator(ft_job *job, const ft_job_desc *desc,
                                              const ft__job_evaluator *e, ft_error *err) {
    ft__buf params;
    ft__json_writer w;
    ft_evaluator *made = NULL;
    for (int i = 0; i < desc->n_evaluators; i++) {
        const ft_job_evaluator *own = &desc->evaluators[i];
        if (!own->info.name || strcmp(own->info.name, e->use) != 0) continue;
        if (!e->params)
            return ft_evaluator_create_custom(&own->info, own->fn, own->user, &job->allocator, err);
        ft__fail(err, FT_ERR_ARGUMENT, "", "%.100s takes no parameters", e->use);
        return NULL;
    }
    ft__buf_init(&params, &job->allocator);
    ft__json_writer_init(&w, &params, 0);
    if (e->params) ft__json_value(&w, e->params);
    if (params.failed) ft__fail_memory(err);
    else made = ft_evaluator_create(e->use, params.data, &job->allocator, err);
    ft__buf_free(&params);
    return made;
}

/* `place` is "evaluators[2]" or "probes.forgetting". */
static ft_status ft__job_add_evaluator(ft_job *job, const ft_job_desc *desc, const ft__json *entry,
                                       const char *place, const char *name, const char *use,
                                       ft_error *err) {
    ft__job_evaluator *e = &job->evaluators[job->n_evaluators];
    ft_error inner = {FT_OK, "", ""};
    for (int k = 0; k < job->n_evaluators; k++)
        if (strcmp(job->evaluators[k].name, name) == 0)
            return ft__job_fail(job, err, entry->line, "%.100s: the name \"%.100s\" is taken",
                                place, name);
    e->name = name;
    e->use = use;
    e->line = entry->line;
    e->params = ft__json_get(entry, "params");
    e->cohorts = ft__job_strings(&job->arena, ft__json_get(entry, "cohorts"), &e->n_cohorts);
    if (!e->cohorts) return ft__fail_memory(err);
    e->handle = ft__job_create_evaluator(job, desc, e, &inner);
    if (e->handle) {
        job->n_evaluators++;
        return ft__job_read_judge(job, e, place, err);
    }
    if (inner.code == FT_ERR_MEMORY) return ft__fail_memory(err);
    return ft__job_fail(job, err, entry->line, "%.100s: %s", place, inner.message);
}

static ft_status ft__job_read_evaluators(ft_job *job, const ft_job_desc *desc, ft_error *err) {
    const ft__json *list = ft__json_get(job->tree, "evaluators");
    const ft__json *probes = ft__json_get(job->tree, "probes");
    size_t n = ft__job_count(list) + ft__job_count(probes);
    ft_status status = FT_OK;
    int index = 0;
    job->evaluators =
        (ft__job_evaluator *)ft__arena_alloc(&job->arena, n + 1, sizeof *job->evaluators);
    if (!job->evaluators) return ft__fail_memory(err);
    for (const ft__json *e = list ? list->child : NULL; e && !status; e = e->next) {
        char place[32];
        const char *use = ft__job_string(e, "use"), *name = ft__job_string(e, "name");
        snprintf(place, sizeof place, "evaluators[%d]", index++);
        status = ft__job_add_evaluator(job, desc, e, place, name ? name : use, use, err);
    }
    for (const ft__json *p = probes ? probes->child : NULL; p && !status; p = p->next) {
        char place[128];
        snprintf(place, sizeof place, "probes.%.100s", p->key);
        if (!p->key_len || strlen(p->key) != p->key_len)
            return ft__job_fail(job, err, p->line, "a probe's name must be filled and plain text");
        status = ft__job_add_evaluator(job, desc, p, place, p->key,
                                       ft__job_string(p, "evaluator"), err);
        if (!status) job->evaluators[job->n_evaluators - 1].probe = true;
    }
    return status;
}

static int ft__job_find_evaluator(const ft_job *job, const char *name) {
    for (int i = 0; i < job->n_evaluators; i++)
        if (strcmp(job->evaluators[i].name, name) == 0) return i;
    return -1;
}

static ft_status ft__job_add_rule(ft_job *job, const ft__json *entry, int index, ft_error *err) {
    ft__rule *rule = &job->rules[job->n_rules++];
    const char *evaluator = ft__job_string(entry, "evaluator"),
               *cohort = ft__job_string(entry, "cohort");
    const char *mode = ft__job_string(entry, "mode");
    rule->line = entry->line;
    rule->place = ft__arena_printf(&job->arena, "gate.rules[%d]", index);
    if (!rule->place) return ft__fail_memory(err);
    rule->evaluator = ft__job_find_evaluator(job, evaluator);
    if (rule->evaluator < 0) {
        const char *near = ft__nearest(evaluator, job->evaluators, (size_t)job->n_evaluators,
                                       sizeof *job->evaluators);
        return ft__job_fail(job, err, rule->line, "%s: no evaluator is called \"%.100s\"%s%s%s",
                            rule->place, evaluator, near ? "; did you mean \"" : "",
                            near ? near : "", near ? "\"?" : "");
    }
    rule->cohort = cohort ? cohort : "*";
    rule->has_max_drop = ft__json_get(entry, "max_drop") != NULL;
    rule->has_min_gain = ft__json_get(entry, "min_gain") != NULL;
    rule->max_drop = ft__job_number(entry, "max_drop", 0);
    rule->min_gain = ft__job_number(entry, "min_gain", 0);
    if (!rule->has_max_drop && !rule->has_min_gain)
        return ft__job_fail(job, err, rule->line, "%s needs \"max_drop\" or \"min_gain\"",
                            rule->place);
    if (mode && strcmp(mode, "point") != 0)
        return ft__job_fail(job, err, rule->line, "\"%s.mode\" must be \"point\", found \"%.100s\"",
                            rule->place, mode);
    return FT_OK;
}

/* A probe is short for an evaluator on rows of its own and a rule about it. */
static ft_status ft__job_add_probe_rule(ft_job *job, const ft__json *probe, ft_error *err) {
    ft__rule *rule = &job->rules[job->n_rules++];
    rule->line = probe->line;
    rule->place = ft__arena_printf(&job->arena, "probes.%s", probe->key);
    rule->evaluator = ft__job_find_evaluator(job, probe->key);
    rule->cohort = ft__arena_printf(&job->arena, "%s%s", FT__PROBE_COHORT, probe->key);
    rule->has_max_drop = true;
    rule->max_drop = ft__job_number(probe, "max_drop", 0);
    return rule->place && rule->cohort ? FT_OK : ft__fail_memory(err);
}

static ft_status ft__job_read_gate(ft_job *job, ft_error *err) {
    const ft__json *gate = ft__json_get(job->tree, "gate");
    const ft__json *list = ft__json_get(gate, "rules"), *probes = ft__json_get(job->tree, "probes");
    size_t n = ft__job_count(list) + ft__job_count(probes);
    ft_status status = FT_OK;
    int index = 0;
    job->n_probes = (int)ft__job_count(probes);
    job->alpha = ft__job_number(gate, "alpha", 0.05);
    job->correction = ft__job_string(gate, "correction");
    if (!job->correction) job->correction = "holm";
    if (!n)
        return ft__job_fail(job, err, gate ? gate->line : job->tree->line,
                            "gate.rules is empty: nothing would be judged");
    job->rules = (ft__rule *)ft__arena_alloc(&job->arena, n, sizeof *job->rules);
    if (!job->rules) return ft__fail_memory(err);
    for (const ft__json *e = list ? list->child : NULL; e && !status; e = e->next)
        status = ft__job_add_rule(job, e, index++, err);
    for (const ft__json *p = probes ? probes->child : NULL; p && !status; p = p->next)
        status = ft__job_add_probe_rule(job, p, err);
    return status;
}

static ft_status ft__job_read_data(ft_job *job, ft_error *err) {
    const ft__json *list = ft__json_get(job->tree, "data"),
                   *probes = ft__json_get(job->tree, "probes");
    size_t n = ft__job_count(list) + ft__job_count(probes);
    const char *by = ft__job_string(job->tree, "cohort_by");
    job->cohort_by = by ? by : "cohort";
    if (!n) return ft__job_fail(job, err, job->tree->line, "\"data\" names no file");
    job->data = (ft__data_file *)ft__arena_alloc(&job->arena, n, sizeof *job->data);
    if (!job->data) return ft__fail_memory(err);
    for (const ft__json *e = list ? list->child : NULL; e; e = e->next) {
        ft__data_file *file = &job->data[job->n_data++];
        file->path = ft__path_beside(&job->arena, job->path, ft__job_string(e, "path"));
        file->fields = ft__json_get(e, "fields");
        file->probe = -1;
        file->line = e->line;
    }
    for (const ft__json *p = probes ? probes->child : NULL; p; p = p->next) {
        ft__data_file *file = &job->data[job->n_data++];
        file->path = ft__path_beside(&job->arena, job->path, ft__job_string(p, "path"));
        file->probe = ft__job_find_evaluator(job, p->key);
        file->line = p->line;
    }
    return job->arena.failed ? ft__fail_memory(err) : ft__dataset_read(job, err);
}

FT__PRIV bool ft__job_applies(const ft_job *job, int evaluator, const ft__data_row *row) {
    const ft__job_evaluator *e = &job->evaluators[evaluator];
    int probe = job->data[row->file].probe;
    if (e->probe || probe >= 0) return probe == evaluator;
    if (!e->n_cohorts) return true;
    for (int p = 0; p < e->n_cohorts; p++)
        for (int c = 0; c < row->n_cohorts; c++)
            if (ft__glob(e->cohorts[p], job->cohorts.names[row->cohorts[c]])) return true;
    return false;
}

/* A rule that could never judge a row is a mistake in the job, not a pass. */
static ft_status ft__job_check_rule(const ft_job *job, const ft__rule *rule, ft_error *err) {
    bool any = false;
    for (size_t c = 0; c < job->cohorts.n && !any; c++)
        any = ft__glob(rule->cohort, job->cohorts.names[c]);
    if (!any)
        return ft__job_fail(job, err, rule->line,
                            "%.120s: no row has a cohort that matches \"%.100s\"", rule->place,
                            rule->cohort);
    for (size_t i = 0; i < job->n_rows; i++) {
        const ft__data_row *row = &job->rows[i];
        if (!ft__job_applies(job, rule->evaluator, row)) continue;
        for (int c = 0; c < row->n_cohorts; c++)
            if (ft__glob(rule->cohort, job->cohorts.names[row->cohorts[c]])) return FT_OK;
    }
    return ft__job_fail(
        job, err, rule->line,
        "%.120s: the evaluator \"%.80s\" runs on no row of a cohort that matches \"%.80s\"",
        rule->place, job->evaluators[rule->evaluator].name, rule->cohort);
}

/* The file's name without folder and extension. */
static const char *ft__job_default_name(ft_job *job) {
    const char *slash = strrchr(job->path, '/'), *name = slash ? slash + 1 : job->path;
    const char *dot = strrchr(name, '.');
    return ft__arena_text(&job->arena, name,
                          dot && dot != name ? (size_t)(dot - name) : strlen(name));
}

static ft_status ft__job_read_names(ft_job *job, const ft_job_desc *desc, ft_error *err) {
    const char *output = ft__job_string(job->tree, "output");
    const ft__json *tokens = ft__json_get(job->tree, "tokens");
    job->tokens = !tokens || tokens->type == FT__JSON_TRUE;
    job->name = ft__job_string(job->tree, "name");
    if (!job->name) job->name = ft__job_default_name(job);
    if (desc->output)
        job->output = ft__arena_text(&job->arena, desc->output, strlen(desc->output));
    else if (output)
        job->output = ft__path_beside(&job->arena, job->path, output);
    return job->arena.failed ? ft__fail_memory(err) : FT_OK;
}

static ft_status ft__job_parse(ft_job *job, const ft_job_desc *desc, ft_error *err) {
    char *text = NULL;
    size_t n = 0;
    ft__json *tree = NULL;
    ft_status status = ft__read_file(job->path, &job->allocator, &text, &n, err);
    if (status) return status;
    status = ft__json_parse(text, n, job->path, 1, &job->arena, &tree, err);
    ft__free(&job->allocator, text);
    for (int i = 0; i < desc->n_sets && !status && tree->type == FT__JSON_OBJECT; i++)
        status = ft__job_set(tree, &job->arena, desc->sets[i], err);
    job->tree = tree;
    if (status) return status;
    ft__shape_context c = {FT_ERR_JOB, job->path, err};
    return ft__shape_check(&c, tree, &ft__job_shape);
}

static ft_status ft__job_read(ft_job *job, const ft_job_desc *desc, ft_error *err) {
    ft_status status = ft__job_parse(job, desc, err);
    if (!status) status = ft__job_check_sizes(job, err);
    if (!status) status = ft__job_read_names(job, desc, err);
    if (!status) status = ft__job_read_prompt(job, err);
    if (!status) status = ft__job_read_variants(job, err);
    if (!status) status = ft__job_read_generate(job, err);
    if (!status) status = ft__job_read_evaluators(job, desc, err);
    if (!status) status = ft__job_read_gate(job, err);
    if (!status) status = ft__job_read_data(job, err);
    for (int i = 0; i < job->n_rules && !status; i++)
        status = ft__job_check_rule(job, &job->rules[i], err);
    return status;
}

ft_job *ft_job_load(const char *path, const ft_job_desc *desc, ft_error *err) {
    ft_job_desc defaults;
    memset(&defaults, 0, sizeof defaults);
    if (!desc) desc = &defaults;
    if (!path || !path[0] || desc->n_sets < 0 || (desc->n_sets && !desc->sets) ||
        desc->n_evaluators < 0 || (desc->n_evaluators && !desc->evaluators)) {
        ft__fail(err, FT_ERR_ARGUMENT, NULL,
                 "ft_job_load needs a path, and lists where their numbers are not 0");
        return NULL;
    }
    ft_allocator a = ft__allocator(&desc->allocator);
    ft_job *job = (ft_job *)ft__alloc_zero(&a, 1, sizeof *job);
    if (!job) {
        ft__fail_memory(err);
        return NULL;
    }
    job->allocator = a;
    ft__arena_init(&job->arena, &a);
    job->path = ft__arena_text(&job->arena, path, strlen(path));
    if (!job->path ? ft__fail_memory(err) : ft__job_read(job, desc, err)) {
        ft_job_free(job);
        return NULL;
    }
    return job;
}

void ft_job_free(ft_job *job) {
    if (!job) return;
    ft_allocator a = job->allocator;
    for (int i = 0; i < job->n_evaluators; i++) ft_evaluator_free(job->evaluators[i].handle);
    ft__free(&a, job->rows);
    ft__names_free(&job->cohorts, &a);
    ft__names_free(&job->ids, &a);
    ft__arena_free(&job->arena);
    ft__free(&a, job);
}
