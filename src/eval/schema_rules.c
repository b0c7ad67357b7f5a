/* JSON Schema: from keywords to rules.  A keyword is a row in the table at the end: the drafts that
   have it, where it holds subschemas (which is all that walking a document asks), the function that
   reads its value into a rule, and the one that checks the rule (schema_check.c).  Keywords that
   work together, such as properties, patternProperties and additionalProperties, are one rule: that
   of the first of them which is there. */
#include "schema.h"

static ft_status ft__schema_bad(ft__schema_compiler *c, const char *keyword, const char *expected,
                                const ft__json *found) {
    char excerpt[66];
    return ft__fail(c->err, FT_ERR_DATA, "", "schema: \"%s\" must be %s, found %s", keyword,
                    expected, ft__json_excerpt(found, excerpt));
}

static void ft__schema_queue(ft__schema_compiler *c, ft__schema_node *node) {
    if (node->queued) return;
    node->queued = true;
    node->next = c->todo;
    c->todo = node;
}

FT__PRIV ft_status ft__schema_use(ft__schema_compiler *c, const char *keyword,
                                  const ft__json *value, ft__schema_node **node) {
    *node = ft__schema_node_of(value);
    if (!*node) return ft__schema_bad(c, keyword, "a schema (an object, true or false)", value);
    ft__schema_queue(c, *node);
    return FT_OK;
}

/* The subschema under another keyword of the same node; NULL where there is none. */
static ft_status ft__schema_use_other(ft__schema_compiler *c, const ft__schema_node *node,
                                      const char *keyword, ft__schema_node **other) {
    const ft__json *value = ft__json_get(node->json, keyword);
    *other = NULL;
    return value ? ft__schema_use(c, keyword, value, other) : FT_OK;
}

/* A list of subschemas, or subschemas by name. */
static ft_status ft__schema_use_all(ft__schema_compiler *c, const char *keyword,
                                    const ft__json *value, ft__json_type type,
                                    ft__schema_member **members, size_t *n) {
    *n = 0;
    if (value->type != type)
        return ft__schema_bad(c, keyword, type == FT__JSON_ARRAY ? "a list" : "an object", value);
    *members = (ft__schema_member *)ft__schema_new(c, value->count, sizeof **members);
    if (!*members) return ft__fail_memory(c->err);
    for (const ft__json *v = value->child; v; v = v->next) {
        ft__schema_member *m = &(*members)[(*n)++];
        m->key = v;
        ft_status status = ft__schema_use(c, keyword, v, &m->node);
        if (status != FT_OK) return status;
    }
    return FT_OK;
}

static int ft__schema_order_names(const void *a, const void *b) {
    return ft__text_compare(*(const ft__view *)a, *(const ft__view *)b);
}

static ft_status ft__schema_read_names(ft__schema_compiler *c, const char *keyword,
                                       const ft__json *list, ft__view **names, size_t *n) {
    *n = 0;
    if (list->type != FT__JSON_ARRAY) return ft__schema_bad(c, keyword, "a list of names", list);
    *names = (ft__view *)ft__schema_new(c, list->count, sizeof **names);
    if (!*names) return ft__fail_memory(c->err);
    for (const ft__json *v = list->child; v; v = v->next) {
        if (v->type != FT__JSON_STRING) return ft__schema_bad(c, keyword, "a list of names", v);
        (*names)[(*n)++] = ft__json_view(v);
    }
    if (*n > 1) qsort(*names, *n, sizeof **names, ft__schema_order_names);
    return FT_OK;
}

static ft_status ft__schema_read_pattern(ft__schema_compiler *c, const char *keyword, ft__view text,
                                         ft__regex **regex) {
    char excerpt[64];
    ft_error inner = {FT_OK, "", ""};
    ft__schema_pattern *p = (ft__schema_pattern *)ft__schema_new(c, 1, sizeof *p);
    if (!p) return ft__fail_memory(c->err);
    *regex = ft__regex_compile(text.text, text.n, FT__REGEX_ECMA, &c->arena->allocator, &inner);
    if (!*regex && inner.code == FT_ERR_MEMORY) return ft__fail_memory(c->err);
    if (!*regex)
        return ft__fail(c->err,
                        inner.code == FT_ERR_ARGUMENT ? FT_ERR_DATA : FT_ERR_UNSUPPORTED, "",
                        "schema: \"%s\": the pattern \"%s\": %s", keyword,
                        ft__text_excerpt(text, excerpt), inner.message);
    p->regex = *regex;
    p->next = c->schema->patterns;
    c->schema->patterns = p;
    return FT_OK;
}

/* Rules that need their keyword's value only. */
static ft_status ft__schema_build_flag(ft__schema_compiler *c, ft__schema_node *node,
                                       ft__schema_rule *r) {
    (void)node;
    if (r->value->type == FT__JSON_FALSE) r->check = NULL;
    if (r->value->type == FT__JSON_FALSE || r->value->type == FT__JSON_TRUE) return FT_OK;
    return ft__schema_bad(c, r->name, "true or false", r->value);
}

static ft_status ft__schema_build_number(ft__schema_compiler *c, ft__schema_node *node,
                                         ft__schema_rule *r) {
    (void)node;
    return r->value->type == FT__JSON_NUMBER ? FT_OK
                                             : ft__schema_bad(c, r->name, "a number", r->value);
}

static ft_status ft__schema_build_multiple(ft__schema_compiler *c, ft__schema_node *node,
                                           ft__schema_rule *r) {
    (void)node;
    if (r->value->type == FT__JSON_NUMBER && r->value->number > 0) return FT_OK;
    return ft__schema_bad(c, r->name, "a number above 0", r->value);
}

static ft_status ft__schema_read_count(ft__schema_compiler *c, const char *keyword,
                                       const ft__json *value, double *count) {
    *count = value->number;
    if (ft__json_is_integer(value, 0, DBL_MAX)) return FT_OK;
    return ft__schema_bad(c, keyword, "a whole number of at least 0", value);
}

static ft_status ft__schema_build_count(ft__schema_compiler *c, ft__schema_node *node,
                                        ft__schema_rule *r) {
    (void)node;
    return ft__schema_read_count(c, r->name, r->value, &r->low);
}

static ft_status ft__schema_read_type(ft__schema_compiler *c, const ft__json *name, int *types) {
    static const char *const known[] = FT__SCHEMA_TYPES;
    if (name->type == FT__JSON_STRING)
        for (size_t i = 0; i < FT__COUNT(known); i++)
            if (ft__text_is(ft__json_view(name), known[i])) {
                *types |= 1 << i;
                return FT_OK;
            }
    return ft__schema_bad(c, "type", "the name of a type, or a list of such", name);
}

/* r->arg holds the types as bits. */
static ft_status ft__schema_build_type(ft__schema_compiler *c, ft__schema_node *node,
                                       ft__schema_rule *r) {
    (void)node;
    ft_status status = FT_OK;
    r->arg = 0;
    if (r->value->type != FT__JSON_ARRAY) return ft__schema_read_type(c, r->value, &r->arg);
    for (const ft__json *v = r->value->child; v && status == FT_OK; v = v->next)
        status = ft__schema_read_type(c, v, &r->arg);
    return status;
}

FT__PRIV int ft__schema_compare_values(const void *a, const void *b) {
    return ft__json_compare(*(const ft__json *const *)a, *(const ft__json *const *)b);
}

/* enum, or const: an enum of one. */
static ft_status ft__schema_build_enum(ft__schema_compiler *c, ft__schema_node *node,
                                       ft__schema_rule *r) {
    bool one = r->arg;
    (void)node;
    if (!one && r->value->type != FT__JSON_ARRAY)
        return ft__schema_bad(c, r->name, "a list", r->value);
    r->n_values = one ? 1 : r->value->count;
    r->values = (const ft__json **)ft__schema_new(c, r->n_values, sizeof *r->values);
    if (!r->values) return ft__fail_memory(c->err);
    size_t n = 0;
    for (const ft__json *v = one ? r->value : r->value->child; v && n < r->n_values; v = v->next)
        r->values[n++] = v;
    if (n > 1) qsort(r->values, n, sizeof *r->values, ft__schema_compare_values);
    return FT_OK;
}

static ft_status ft__schema_build_pattern(ft__schema_compiler *c, ft__schema_node *node,
                                          ft__schema_rule *r) {
    (void)node;
    if (r->value->type != FT__JSON_STRING) return ft__schema_bad(c, r->name, "a string", r->value);
    r->patterns = (ft__schema_member *)ft__schema_new(c, 1, sizeof *r->patterns);
    if (!r->patterns) return ft__fail_memory(c->err);
    return ft__schema_read_pattern(c, r->name, ft__json_view(r->value), &r->patterns->pattern);
}

static ft_status ft__schema_build_format(ft__schema_compiler *c, ft__schema_node *node,
                                         ft__schema_rule *r) {
    if (r->value->type != FT__JSON_STRING) return ft__schema_bad(c, r->name, "a string", r->value);
    r->format = ft__schema_format_find(ft__json_view(r->value));
    r->arg = node->resource->asserts_formats;
    if (!r->format) r->check = NULL;
    return FT_OK;
}

static ft_status ft__schema_build_required(ft__schema_compiler *c, ft__schema_node *node,
                                           ft__schema_rule *r) {
    (void)node;
    return ft__schema_read_names(c, r->name, r->value, &r->names, &r->n_names);
}

/* dependencies, dependentRequired and (r->arg: subschemas only) dependentSchemas. */
static ft_status ft__schema_build_dependencies(ft__schema_compiler *c, ft__schema_node *node,
                                               ft__schema_rule *r) {
    ft_status status = FT_OK;
    (void)node;
    if (r->value->type != FT__JSON_OBJECT)
        return ft__schema_bad(c, r->name, "an object", r->value);
    r->members = (ft__schema_member *)ft__schema_new(c, r->value->count, sizeof *r->members);
    if (!r->members) return ft__fail_memory(c->err);
    for (const ft__json *v = r->value->child; v && status == FT_OK; v = v->next) {
        ft__schema_member *m = &r->members[r->n_members++];
        m->key = v;
        if (v->type == FT__JSON_ARRAY && !r->arg)
            status = ft__schema_read_names(c, r->name, v, &m->names, &m->n_names);
        else
            status = ft__schema_use(c, r->name, v, &m->node);
    }
    return status;
}

/* properties, patternProperties and additionalProperties are one rule: that of the first of them
   which is there. */
static ft_status ft__schema_build_properties(ft__schema_compiler *c, ft__schema_node *node,
                                             ft__schema_rule *r) {
    const ft__json *named = ft__json_get(node->json, "properties");
    const ft__json *patterns = ft__json_get(node->json, "patternProperties");
    ft_status status = FT_OK;
    if ((named && r->arg > 0) || (patterns && r->arg > 1)) {
        r->check = NULL;
        return FT_OK;
    }
    if (named)
        status = ft__schema_use_all(c, "properties", named, FT__JSON_OBJECT, &r->members,
                                    &r->n_members);
    if (status == FT_OK && patterns)
        status = ft__schema_use_all(c, "patternProperties", patterns, FT__JSON_OBJECT, &r->patterns,
                                    &r->n_patterns);
    for (size_t i = 0; i < r->n_patterns && status == FT_OK; i++)
        status = ft__schema_read_pattern(c, "patternProperties",
                                         ft__json_key_view(r->patterns[i].key),
                                         &r->patterns[i].pattern);
    if (status != FT_OK) return status;
    return ft__schema_use_other(c, node, "additionalProperties", &r->node);
}

/* The first items and the others: prefixItems and items, or (before 2020) items and
   additionalItems. */
static ft_status ft__schema_build_items(ft__schema_compiler *c, ft__schema_node *node,
                                        ft__schema_rule *r) {
    bool new_form = node->resource->draft == FT__DRAFT_2020;
    const ft__json *first = ft__json_get(node->json, new_form ? "prefixItems" : "items");
    const ft__json *others = ft__json_get(node->json, new_form ? "items" : "additionalItems");
    ft_status status = FT_OK;
    if (new_form && first && r->arg > 0) {
        r->check = NULL; /* prefixItems did it */
        return FT_OK;
    }
    if (!new_form && first->type != FT__JSON_ARRAY) others = first, first = NULL;
    if (first)
        status = ft__schema_use_all(c, r->name, first, FT__JSON_ARRAY, &r->members, &r->n_members);
    if (status == FT_OK && others) status = ft__schema_use(c, "items", others, &r->node);
    return status;
}

/* r->arg: do matching items count as evaluated? */
static ft_status ft__schema_build_contains(ft__schema_compiler *c, ft__schema_node *node,
                                           ft__schema_rule *r) {
    unsigned draft = node->resource->draft;
    bool counts = (draft & FT__SCHEMA_NEW) && node->resource->validates;
    const ft__json *low = counts ? ft__json_get(node->json, "minContains") : NULL;
    const ft__json *high = counts ? ft__json_get(node->json, "maxContains") : NULL;
    ft_status status = ft__schema_use(c, r->name, r->value, &r->node);
    r->low = 1;
    r->high = DBL_MAX;
    r->arg = draft == FT__DRAFT_2020;
    if (status == FT_OK && low) status = ft__schema_read_count(c, "minContains", low, &r->low);
    if (status == FT_OK && high) status = ft__schema_read_count(c, "maxContains", high, &r->high);
    return status;
}

static ft_status ft__schema_build_one(ft__schema_compiler *c, ft__schema_node *node,
                                      ft__schema_rule *r) {
    (void)node;
    return ft__schema_use(c, r->name, r->value, &r->node);
}

static ft_status ft__schema_build_unevaluated(ft__schema_compiler *c, ft__schema_node *node,
                                              ft__schema_rule *r) {
    node->needs_marks = true;
    return ft__schema_use(c, r->name, r->value, &r->node);
}

static ft_status ft__schema_build_list(ft__schema_compiler *c, ft__schema_node *node,
                                       ft__schema_rule *r) {
    (void)node;
    return ft__schema_use_all(c, r->name, r->value, FT__JSON_ARRAY, &r->members, &r->n_members);
}

static ft_status ft__schema_build_if(ft__schema_compiler *c, ft__schema_node *node,
                                     ft__schema_rule *r) {
    ft_status status = ft__schema_use(c, r->name, r->value, &r->node);
    if (status == FT_OK) status = ft__schema_use_other(c, node, "then", &r->then);
    if (status == FT_OK) status = ft__schema_use_other(c, node, "else", &r->otherwise);
    return status;
}

/* A $dynamicRef whose static target is no $dynamicAnchor of that name is a plain $ref. */
static ft_status ft__schema_build_reference(ft__schema_compiler *c, ft__schema_node *node,
                                            ft__schema_rule *r) {
    ft__view fragment;
    if (r->value->type != FT__JSON_STRING) return ft__schema_bad(c, r->name, "a string", r->value);
    ft_status status = ft__schema_resolve(c, node, r->value, &r->node, &fragment);
    if (status != FT_OK) return status;
    ft__schema_queue(c, r->node);
    if (!r->arg) return FT_OK;
    for (const ft__schema_anchor *a = r->node->resource->dynamic; a; a = a->next)
        if (a->node == r->node && ft__text_compare(a->name, fragment) == 0) {
            r->anchor = fragment;
            c->dynamic = true;
        }
    return FT_OK;
}

static ft_status ft__schema_build_unsupported(ft__schema_compiler *c, ft__schema_node *node,
                                              ft__schema_rule *r) {
    (void)node;
    return ft__fail(c->err, FT_ERR_UNSUPPORTED, "", "schema: \"%s\" is not supported", r->name);
}

static ft_status ft__schema_build(ft__schema_compiler *c, ft__schema_node *node) {
    const ft__schema_resource *resource = node->resource;
    const ft__schema_keyword *k;
    ft__schema_rule **tail = &node->rules;
    if (node->json->type != FT__JSON_OBJECT) return FT_OK;
    bool reference_only = resource->draft == FT__DRAFT_7 && ft__json_get(node->json, "$ref");
    for (size_t i = 0; (k = ft__schema_keyword_at(i)) != NULL; i++) {
        const ft__json *value = k->build && (k->drafts & resource->draft)
                                    ? ft__json_get(node->json, k->name)
                                    : NULL;
        if (!value || (k->validation && !resource->validates) ||
            (reference_only && strcmp(k->name, "$ref") != 0))
            continue;
        ft__schema_rule *r = (ft__schema_rule *)ft__schema_new(c, 1, sizeof *r);
        if (!r) return ft__fail_memory(c->err);
        r->name = k->name;
        r->check = k->check;
        r->arg = k->arg;
        r->value = value;
        ft_status status = k->build(c, node, r);
        if (status != FT_OK) return status;
        if (!r->check) continue;
        *tail = r;
        tail = &r->next;
    }
    return FT_OK;
}

/* Once some reference is dynamic, every dynamic anchor may be its target. */
FT__PRIV ft_status ft__schema_build_all(ft__schema_compiler *c) {
    ft_status status = FT_OK;
    while (c->todo && status == FT_OK) {
        ft__schema_node *node = c->todo;
        c->todo = node->next;
        status = ft__schema_build(c, node);
        if (c->todo || !c->dynamic) continue;
        for (const ft__schema_resource *r = c->all; r; r = r->next)
            for (const ft__schema_anchor *a = r->dynamic; a; a = a->next)
                ft__schema_queue(c, a->node);
    }
    return status;
}

/* ---- the keywords */

FT__PRIV const ft__schema_keyword *ft__schema_keyword_at(size_t index) {
    static const ft__schema_keyword keywords[] = {
        {"type", FT__SCHEMA_ALL, FT__HOLDS_NONE, true, ft__schema_build_type,
         ft__schema_check_type, 0},
        {"const", FT__SCHEMA_ALL, FT__HOLDS_NONE, true, ft__schema_build_enum,
         ft__schema_check_enum, 1},
        {"enum", FT__SCHEMA_ALL, FT__HOLDS_NONE, true, ft__schema_build_enum,
         ft__schema_check_enum, 0},
        {"multipleOf", FT__SCHEMA_ALL, FT__HOLDS_NONE, true, ft__schema_build_multiple,
         ft__schema_check_multiple, 0},
        {"maximum", FT__SCHEMA_ALL, FT__HOLDS_NONE, true, ft__schema_build_number,
         ft__schema_check_limit, 1},
        {"exclusiveMaximum", FT__SCHEMA_ALL, FT__HOLDS_NONE, true, ft__schema_build_number,
         ft__schema_check_limit, 2},
        {"minimum", FT__SCHEMA_ALL, FT__HOLDS_NONE, true, ft__schema_build_number,
         ft__schema_check_limit, -1},
        {"exclusiveMinimum", FT__SCHEMA_ALL, FT__HOLDS_NONE, true, ft__schema_build_number,
         ft__schema_check_limit, -2},
        {"maxLength", FT__SCHEMA_ALL, FT__HOLDS_NONE, true, ft__schema_build_count,
         ft__schema_check_count, FT__JSON_STRING},
        {"minLength", FT__SCHEMA_ALL, FT__HOLDS_NONE, true, ft__schema_build_count,
         ft__schema_check_count, -FT__JSON_STRING},
        {"pattern", FT__SCHEMA_ALL, FT__HOLDS_NONE, true, ft__schema_build_pattern,
         ft__schema_check_pattern, 0},
        {"format", FT__SCHEMA_ALL, FT__HOLDS_NONE, false, ft__schema_build_format,
         ft__schema_check_format, 0},
        {"maxItems", FT__SCHEMA_ALL, FT__HOLDS_NONE, true, ft__schema_build_count,
         ft__schema_check_count, FT__JSON_ARRAY},
        {"minItems", FT__SCHEMA_ALL, FT__HOLDS_NONE, true, ft__schema_build_count,
         ft__schema_check_count, -FT__JSON_ARRAY},
        {"maxProperties", FT__SCHEMA_ALL, FT__HOLDS_NONE, true, ft__schema_build_count,
         ft__schema_check_count, FT__JSON_OBJECT},
        {"minProperties", FT__SCHEMA_ALL, FT__HOLDS_NONE, true, ft__schema_build_count,
         ft__schema_check_count, -FT__JSON_OBJECT},
        {"required", FT__SCHEMA_ALL, FT__HOLDS_NONE, true, ft__schema_build_required,
         ft__schema_check_required, 0},
        {"dependentRequired", FT__SCHEMA_NEW, FT__HOLDS_NONE, true, ft__schema_build_dependencies,
         ft__schema_check_dependencies, 0},
        {"$ref", FT__SCHEMA_ALL, FT__HOLDS_NONE, false, ft__schema_build_reference,
         ft__schema_check_reference, 0},
        {"$dynamicRef", FT__DRAFT_2020, FT__HOLDS_NONE, false, ft__schema_build_reference,
         ft__schema_check_reference, 1},
        {"$recursiveRef", FT__DRAFT_2019, FT__HOLDS_NONE, false, ft__schema_build_unsupported,
         NULL, 0},
        {"$defs", FT__SCHEMA_NEW, FT__HOLDS_NAMED, false, NULL, NULL, 0},
        {"definitions", FT__SCHEMA_ALL, FT__HOLDS_NAMED, false, NULL, NULL, 0},
        {"prefixItems", FT__DRAFT_2020, FT__HOLDS_LIST, false, ft__schema_build_items,
         ft__schema_check_items, 0},
        {"items", FT__SCHEMA_ALL, FT__HOLDS_ITEMS, false, ft__schema_build_items,
         ft__schema_check_items, 1},
        {"additionalItems", FT__DRAFT_7 | FT__DRAFT_2019, FT__HOLDS_ONE, false, NULL, NULL, 0},
        {"contains", FT__SCHEMA_ALL, FT__HOLDS_ONE, false, ft__schema_build_contains,
         ft__schema_check_contains, 0},
        {"properties", FT__SCHEMA_ALL, FT__HOLDS_NAMED, false, ft__schema_build_properties,
         ft__schema_check_properties, 0},
        {"patternProperties", FT__SCHEMA_ALL, FT__HOLDS_NAMED, false, ft__schema_build_properties,
         ft__schema_check_properties, 1},
        {"additionalProperties", FT__SCHEMA_ALL, FT__HOLDS_ONE, false, ft__schema_build_properties,
         ft__schema_check_properties, 2},
        {"propertyNames", FT__SCHEMA_ALL, FT__HOLDS_ONE, false, ft__schema_build_one,
         ft__schema_check_property_names, 0},
        {"uniqueItems", FT__SCHEMA_ALL, FT__HOLDS_NONE, true, ft__schema_build_flag,
         ft__schema_check_unique, 0},
        {"dependentSchemas", FT__SCHEMA_NEW, FT__HOLDS_NAMED, false, ft__schema_build_dependencies,
         ft__schema_check_dependencies, 1},
        {"dependencies", FT__SCHEMA_ALL, FT__HOLDS_NAMED, false, ft__schema_build_dependencies,
         ft__schema_check_dependencies, 0},
        {"allOf", FT__SCHEMA_ALL, FT__HOLDS_LIST, false, ft__schema_build_list,
         ft__schema_check_all, 0},
        {"anyOf", FT__SCHEMA_ALL, FT__HOLDS_LIST, false, ft__schema_build_list,
         ft__schema_check_any, 0},
        {"oneOf", FT__SCHEMA_ALL, FT__HOLDS_LIST, false, ft__schema_build_list,
         ft__schema_check_any, 1},
        {"not", FT__SCHEMA_ALL, FT__HOLDS_ONE, false, ft__schema_build_one, ft__schema_check_not,
         0},
        {"if", FT__SCHEMA_ALL, FT__HOLDS_ONE, false, ft__schema_build_if, ft__schema_check_if, 0},
        {"then", FT__SCHEMA_ALL, FT__HOLDS_ONE, false, NULL, NULL, 0},
        {"else", FT__SCHEMA_ALL, FT__HOLDS_ONE, false, NULL, NULL, 0},
        {"contentSchema", FT__SCHEMA_NEW, FT__HOLDS_ONE, false, NULL, NULL, 0},
        {"unevaluatedItems", FT__SCHEMA_NEW, FT__HOLDS_ONE, false, ft__schema_build_unevaluated,
         ft__schema_check_unevaluated, 0},
        {"unevaluatedProperties", FT__SCHEMA_NEW, FT__HOLDS_ONE, false,
         ft__schema_build_unevaluated, ft__schema_check_unevaluated, 1},
    };
    return index < FT__COUNT(keywords) ? &keywords[index] : NULL;
}
