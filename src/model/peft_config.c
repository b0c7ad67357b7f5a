/* adapter_config.json of a PEFT adapter (Hugging Face's library): which modules it touches, and how strongly.

   The file repeats dozens of settings of the training.  A setting counts as understood if it stands in one of
   the two tables below; any other one that is set to something is refused by name, so that what a later PEFT
   adds cannot be overlooked.  Names of modules are matched as PEFT matches them. */
#include "peft.h"

/* Read here. */
static const char *const ft__peft_read[] = {
    "peft_type", "r", "lora_alpha", "use_rslora", "use_dora", "lora_bias", "bias", "target_modules",
    "exclude_modules", "modules_to_save", "target_parameters", "layers_to_transform", "layers_pattern",
    "rank_pattern", "alpha_pattern", "init_lora_weights", "trainable_token_indices", "ensure_weight_tying"};

/* Without effect on the numbers of a trained adapter.  fan_in_fan_out is about layers that store their weight
   turned; the linear layers of the models here do not, and PEFT ignores it for them.  The *_config are
   about how training begins, of which init_lora_weights tells what is left in the end. */
static const char *const ft__peft_harmless[] = {
    "auto_mapping", "base_model_name_or_path", "revision", "peft_version", "inference_mode", "task_type",
    "lora_dropout", "vera_dropout", "fan_in_fan_out", "megatron_core", "qalora_group_size", "runtime_config",
    "loftq_config", "eva_config", "corda_config", "lora_ga_config", "init_weights", "d_initial",
    "projection_prng_key", "save_projection"};

static bool ft__peft_in(const char *const *names, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

/* ---- single values */

static ft_status ft__peft_wrong(ft__peft *p, const char *key, const char *expected, const ft__json *found) {
    return ft__hf_fail(&p->h, FT_ERR_FORMAT, FT__PEFT_CONFIG, key, "must be %s, found %.40s", expected,
                       !found                             ? "nothing"
                       : found->type == FT__JSON_NUMBER ? found->text
                                                          : ft__json_type_name(found->type));
}

static ft_status ft__peft_bool(ft__peft *p, const char *key, bool *value) {
    const ft__json *v = ft__hf_get(p->h.root, key);
    if (v && v->type != FT__JSON_TRUE && v->type != FT__JSON_FALSE)
        return ft__peft_wrong(p, key, "true or false", v);
    *value = v && v->type == FT__JSON_TRUE;
    return FT_OK;
}

/* A rank, or an alpha. */
static ft_status ft__peft_number(ft__peft *p, const char *key, const ft__json *v, bool rank, double *value) {
    if (rank ? !ft__json_is_integer(v, 1, 65536) : v->type != FT__JSON_NUMBER)
        return ft__peft_wrong(p, key, rank ? "integers from 1 to 65536" : "numbers", v);
    *value = v->number;
    return FT_OK;
}

static bool ft__peft_is_name(const ft__json *v) {
    return v->type == FT__JSON_STRING && v->text_len && strlen(v->text) == v->text_len;
}

/* A list of names, or (if `single`) one text. */
static ft_status ft__peft_names(ft__peft *p, const char *key, bool single, const ft__json **value) {
    const ft__json *v = ft__hf_get(p->h.root, key);
    *value = NULL;
    if (!v || (v->type == FT__JSON_STRING && single && !v->text_len)) return FT_OK;
    if (v->type != FT__JSON_ARRAY && !(single && ft__peft_is_name(v)))
        return ft__peft_wrong(p, key, single ? "a text or a list of texts" : "a list of texts", v);
    for (const ft__json *c = v->child; c; c = c->next)
        if (!ft__peft_is_name(c)) return ft__peft_wrong(p, key, "a list of texts", c);
    if (v->type == FT__JSON_STRING || v->count) *value = v;
    return FT_OK;
}

/* Not null, false, 0, "", [] or {}. */
static bool ft__peft_says_something(const ft__json *v) {
    switch (v->type) {
    case FT__JSON_NULL: case FT__JSON_FALSE: return false;
    case FT__JSON_NUMBER: return v->number < 0 || v->number > 0;
    case FT__JSON_STRING: return v->text_len > 0;
    case FT__JSON_ARRAY: case FT__JSON_OBJECT: return v->count > 0;
    default: return true;
    }
}

static ft_status ft__peft_refuse(ft__peft *p, const ft__json *v, const char *why) {
    ft__json_writer w;
    ft__buf value;
    ft__buf_init(&value, &p->h.arena.allocator);
    ft__json_writer_init(&w, &value, 0);
    ft__json_value(&w, v);
    ft_status status = value.failed ? ft__fail_memory(p->h.err)
                                    : ft__hf_fail(&p->h, FT_ERR_UNSUPPORTED, FT__PEFT_CONFIG, v->key,
                                                  "%.80s: %s", value.data, why);
    ft__buf_free(&value);
    return status;
}

/* ---- patterns */

/* NULL and FT_OK: a pattern that our matcher, which has no look-around, does not take. */
static ft_status ft__peft_compile(ft__peft *p, const char *pattern, ft__regex **regex) {
    ft_error why;
    *regex = ft__regex_compile(pattern, strlen(pattern), FT__REGEX_WHOLE, &p->h.arena.allocator, &why);
    return !*regex && why.code == FT_ERR_MEMORY ? ft__fail_memory(p->h.err) : FT_OK;
}

/* {"q_proj": 16}: the key is a pattern for the end of a module's name, from a dot on, or for all of it. */
static ft_status ft__peft_patterns(ft__peft *p, const char *field, bool rank, ft__peft_pattern **patterns,
                                   size_t *n) {
    const ft__json *all = ft__hf_get(p->h.root, field);
    if (!all) return FT_OK;
    if (all->type != FT__JSON_OBJECT) return ft__peft_wrong(p, field, "an object", all);
    *patterns = (ft__peft_pattern *)ft__arena_alloc(&p->h.arena, all->count, sizeof **patterns);
    if (!*patterns) return ft__fail_memory(p->h.err);
    for (const ft__json *v = all->child; v; v = v->next) {
        ft__peft_pattern *one = &(*patterns)[*n];
        const char *pattern = ft__arena_printf(&p->h.arena, "(?:.*\\.)?(?:%s)", v->key);
        if (!pattern) return ft__fail_memory(p->h.err);
        ft_status status = ft__peft_number(p, field, v, rank, &one->value);
        if (!status) status = ft__peft_compile(p, pattern, &one->regex);
        if (status) return status;
        if (!one->regex)
            return ft__hf_fail(&p->h, FT_ERR_UNSUPPORTED, FT__PEFT_CONFIG, field,
                               "the pattern \"%.80s\" is not in this version", v->key);
        ++*n;
    }
    return FT_OK;
}

/* The first pattern that fits wins. */
static ft_status ft__peft_find(const ft__peft *p, const ft__peft_pattern *patterns, size_t n,
                               const char *module, double *value) {
    for (size_t i = 0; i < n; i++) {
        bool found;
        ft_status status = ft__regex_search(patterns[i].regex, module, strlen(module), &found, p->h.err);
        if (status) return status;
        if (!found) continue;
        *value = patterns[i].value;
        return FT_OK;
    }
    return FT_OK;
}

FT__PRIV ft_status ft__peft_rank(const ft__peft *p, const char *module, uint64_t *rank) {
    double value = (double)p->rank;
    ft_status status = ft__peft_find(p, p->ranks, p->n_ranks, module, &value);
    *rank = (uint64_t)value;
    return status;
}

FT__PRIV ft_status ft__peft_alpha(const ft__peft *p, const char *module, double *alpha) {
    *alpha = p->alpha;
    return ft__peft_find(p, p->alphas, p->n_alphas, module, alpha);
}

/* ---- names of modules */

/* Does the name end with the text, or one of the list, from a dot on? */
static bool ft__peft_ends(const ft__json *list, const char *name, size_t n) {
    const bool one = list && list->type == FT__JSON_STRING;
    for (const ft__json *v = one ? list : list ? list->child : NULL; v; v = one ? NULL : v->next)
        if (v->text_len <= n && memcmp(name + n - v->text_len, v->text, v->text_len) == 0 &&
            (v->text_len == n || name[n - v->text_len - 1] == '.'))
            return true;
    return false;
}

FT__PRIV bool ft__peft_is_parameter(const ft__peft *p, const char *parameter) {
    return ft__peft_ends(p->parameters, parameter, strlen(parameter));
}

/* A module that is saved takes its parts along.  Here the end of a name need not begin at a dot: "norm" is
   any norm. */
FT__PRIV bool ft__peft_is_saved(const ft__peft *p, const char *module) {
    for (const char *end = module; *end; end++)
        for (const ft__json *v = p->saved && (!end[1] || end[1] == '.') ? p->saved->child : NULL; v; v = v->next)
            if (v->text_len <= (size_t)(end + 1 - module) &&
                memcmp(end + 1 - v->text_len, v->text, v->text_len) == 0)
                return true;
    return false;
}

static bool ft__peft_has_index(const ft__json *layers, long index) {
    if (layers->type == FT__JSON_NUMBER) return (long)layers->number == index;
    for (const ft__json *v = layers->child; v; v = v->next)
        if ((long)v->number == index) return true;
    return false;
}

/* layers_to_transform: the last number in the name (not at its end, nor right at its beginning) counts, or
   the last one after a name of layers_pattern. */
static bool ft__peft_in_layers(const ft__peft *p, const char *module) {
    const ft__json *names = p->layers_pattern;
    long index = -1;
    for (const char *at = strchr(module, '.'), *dot; at && (dot = strchr(at + 1, '.')) != NULL; at = dot) {
        const char *number = dot + 1;
        long value = 0;
        for (; *number >= '0' && *number <= '9' && value < 1000000; number++) value = 10 * value + *number - '0';
        if (number == dot + 1 || *number != '.') continue;
        if (!names || ft__peft_ends(names, module, (size_t)(dot - module))) index = value;
    }
    return index >= 0 && ft__peft_has_index(p->layers, index);
}

FT__PRIV ft_status ft__peft_is_target(const ft__peft *p, const char *module, bool *yes) {
    const size_t n = strlen(module);
    const char *last = strrchr(module, '.');
    bool excluded = false;
    ft_status status = FT_OK;
    *yes = false;
    if (p->exclude) status = ft__regex_search(p->exclude, module, n, &excluded, p->h.err);
    if (status || excluded || ft__peft_ends(p->excluded, module, n) || ft__peft_is_saved(p, module))
        return status;
    if (p->any_target) *yes = true;
    else if (p->all_linear) *yes = strcmp(last ? last + 1 : module, "lm_head") != 0;
    else if (p->target) return ft__regex_search(p->target, module, n, yes, p->h.err);
    else *yes = ft__peft_ends(p->targets, module, n) && (!p->layers || ft__peft_in_layers(p, module));
    return FT_OK;
}

/* ---- the file */

static ft_status ft__peft_read_targets(ft__peft *p) {
    static const char all[] = "all-linear";
    ft_status status = ft__peft_names(p, "target_modules", true, &p->targets);
    if (!status) status = ft__peft_names(p, "exclude_modules", true, &p->excluded);
    if (status) return status;
    if (p->targets && p->targets->type == FT__JSON_STRING) {
        const ft__json *v = p->targets;
        size_t i = 0;
        while (i < v->text_len && i < sizeof all && (v->text[i] | 32) == (all[i] | 32)) i++;
        p->all_linear = i == v->text_len && i == sizeof all - 1;
        if (!p->all_linear) status = ft__peft_compile(p, v->text, &p->target);
        p->any_target = !p->all_linear && !p->target;
        p->targets = NULL;
    }
    /* What is excluded has no tensors in the file; a pattern that cannot be run costs only that check. */
    if (!status && p->excluded && p->excluded->type == FT__JSON_STRING) {
        status = ft__peft_compile(p, p->excluded->text, &p->exclude);
        p->any_target |= !p->exclude;
        p->excluded = NULL;
    }
    return status;
}

static ft_status ft__peft_read_layers(ft__peft *p) {
    const ft__json *layers = ft__hf_get(p->h.root, "layers_to_transform");
    ft_status status = ft__peft_names(p, "layers_pattern", true, &p->layers_pattern);
    if (status || !layers) return status;
    for (const ft__json *v = layers->type == FT__JSON_ARRAY ? layers->child : layers; v; v = v->next) {
        if (!ft__json_is_integer(v, 0, 1000000))
            return ft__peft_wrong(p, "layers_to_transform", "whole numbers from 0 on", v);
        if (v == layers) break;
    }
    if (layers->type == FT__JSON_NUMBER || layers->count) p->layers = layers;
    if (p->layers && !p->targets)
        return ft__hf_fail(&p->h, FT_ERR_FORMAT, FT__PEFT_CONFIG, "layers_to_transform",
                           "needs target_modules to be a list");
    return FT_OK;
}

/* Some ways to begin take a part out of the base's weights and put it into the adapter.  Saved as it is, such
   an adapter belongs to a base that no longer exists; saved converted, it says true here. */
static ft_status ft__peft_read_init(ft__peft *p) {
    static const char *const same_base[] = {"gaussian", "eva", "orthogonal"};
    const ft__json *v = ft__hf_get(p->h.root, "init_lora_weights");
    if (!v || v->type == FT__JSON_TRUE || v->type == FT__JSON_FALSE) return FT_OK;
    if (v->type == FT__JSON_STRING && ft__peft_in(same_base, FT__COUNT(same_base), v->text)) return FT_OK;
    return ft__peft_refuse(p, v,
                           "this changed the base's weights before training; save the adapter converted to a "
                           "plain LoRA (save_pretrained with path_initial_model_for_weight_conversion)");
}

static ft_status ft__peft_read_bias(ft__peft *p) {
    static const char *const known[] = {"none", "all", "lora_only", "vera_only"};
    const ft__json *v = ft__hf_get(p->h.root, "bias");
    p->bias = "none";
    if (!v) return FT_OK;
    if (v->type != FT__JSON_STRING || !ft__peft_in(known, FT__COUNT(known), v->text))
        return ft__peft_refuse(p, v, "this version has none, all, lora_only and vera_only");
    p->bias = v->text;
    return FT_OK;
}

static ft_status ft__peft_read_type(ft__peft *p) {
    const ft__json *v = ft__hf_get(p->h.root, "peft_type");
    if (!v || v->type != FT__JSON_STRING) return ft__peft_wrong(p, "peft_type", "a text", v);
    p->vera = strcmp(v->text, "VERA") == 0;
    return p->vera || strcmp(v->text, "LORA") == 0 ? FT_OK
                                                   : ft__peft_refuse(p, v, "this version has LORA and VERA");
}

static ft_status ft__peft_check_fields(ft__peft *p) {
    for (const ft__json *v = p->h.root->child; v; v = v->next)
        if (ft__peft_says_something(v) && !ft__peft_in(ft__peft_read, FT__COUNT(ft__peft_read), v->key) &&
            !ft__peft_in(ft__peft_harmless, FT__COUNT(ft__peft_harmless), v->key))
            return ft__peft_refuse(p, v, "this setting is not in this version, and may change the numbers");
    return FT_OK;
}

static ft_status ft__peft_read_strength(ft__peft *p) {
    const ft__json *rank = ft__hf_get(p->h.root, "r"), *alpha = ft__hf_get(p->h.root, "lora_alpha");
    double r = p->vera ? 256 : 8; /* the classes' defaults */
    ft_status status = rank ? ft__peft_number(p, "r", rank, true, &r) : FT_OK;
    p->alpha = p->vera ? 0 : 8; /* VeRA's factor is 1, which 0 stands for */
    p->rank = (uint64_t)r;
    if (!status && alpha && !p->vera) status = ft__peft_number(p, "lora_alpha", alpha, false, &p->alpha);
    if (!status) status = ft__peft_patterns(p, "rank_pattern", true, &p->ranks, &p->n_ranks);
    return status ? status : ft__peft_patterns(p, "alpha_pattern", false, &p->alphas, &p->n_alphas);
}

FT__PRIV ft_status ft__peft_read_config(ft__peft *p) {
    ft_status status = ft__hf_json(&p->h, FT__PEFT_CONFIG, &p->h.root);
    if (status) return status;
    if (!p->h.root)
        return ft__hf_fail(&p->h, FT_ERR_NOT_FOUND, FT__PEFT_CONFIG, NULL,
                           "the file is missing: a folder that is an adapter has one");
    if ((status = ft__peft_read_type(p)) || (status = ft__peft_check_fields(p)) ||
        (status = ft__peft_read_init(p)) || (status = ft__peft_read_bias(p)) ||
        (status = ft__peft_bool(p, "use_rslora", &p->rslora)) ||
        (status = ft__peft_bool(p, "use_dora", &p->dora)) ||
        (status = ft__peft_bool(p, "lora_bias", &p->lora_bias)) ||
        (status = ft__peft_bool(p, "ensure_weight_tying", &p->tied)) ||
        (status = ft__peft_read_targets(p)) || (status = ft__peft_read_layers(p)) ||
        (status = ft__peft_names(p, "modules_to_save", false, &p->saved)) ||
        (status = ft__peft_names(p, "target_parameters", false, &p->parameters)) ||
        (status = ft__peft_read_strength(p)))
        return status;
    p->tokens = ft__hf_get(p->h.root, "trainable_token_indices");
    return FT_OK;
}

FT__PRIV void ft__peft_free_config(ft__peft *p) {
    ft__regex_free(p->target);
    ft__regex_free(p->exclude);
    for (size_t i = 0; i < p->n_ranks; i++) ft__regex_free(p->ranks[i].regex);
    for (size_t i = 0; i < p->n_alphas; i++) ft__regex_free(p->alphas[i].regex);
}
