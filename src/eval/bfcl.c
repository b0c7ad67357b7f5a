/* The AST check of the Berkeley Function Calling Leaderboard (S. Patil and others, "Gorilla",
   2023; its ast_checker, version 4, for Python): is a call one of the allowed ones?  Everything
   here follows that program, oddities included, so that our verdicts are its verdicts:

   - The type of a parameter comes from the function's description.  An answer whose first
     alternative has another type is a "variable": then a value of that type will do as well, and
     values are compared exactly.
   - Texts are compared without blanks and ,./-_*^ and without case, ' being the same as ".
   - 1, 1.0 and true are equal, as in Python, once the types are right.
   - Calls in parallel are paired greedily: each answer takes the first call left that passes.  (The
     evaluators of toolcall.c look for the best pairing.)

   What would raise an exception there, a type that is none of Python's or an answer without a
   function, is an error of the metric. */
#include "eval.h"

/* ---- texts */

static bool ft__bfcl_is_dropped(char c) { return c && strchr(" ,./-_*^", c); }

static void ft__bfcl_standardize(ft__view v, ft__buf *out) {
    ft__buf kept;
    ft__buf_init(&kept, &out->allocator);
    for (size_t i = 0; i < v.n; i++)
        if (!ft__bfcl_is_dropped(v.text[i])) ft__buf_byte(&kept, v.text[i]);
    if (kept.len) ft__lower(kept.data, kept.len, out);
    for (size_t i = 0; i < out->len; i++)
        if (out->data[i] == '\'') out->data[i] = '"';
    if (kept.failed) out->failed = true;
    ft__buf_free(&kept);
}

/* The next character of an ASCII text as it is compared; 0 at its end or at a byte beyond ASCII,
   -1 at a NUL, so that the two differ. */
static int ft__bfcl_next_ascii(const char **p, const char *end) {
    while (*p < end && ft__bfcl_is_dropped(**p)) ++*p;
    if (*p == end || (*p)[0] & 0x80) return 0;
    char c = *(*p)++;
    return c == 0 ? -1 : c == '\'' ? '"' : c >= 'A' && c <= 'Z' ? c + 32 : c;
}

FT__PRIV bool ft__bfcl_text_equal(ft__view a, ft__view b, const ft_allocator *allocator,
                                  bool *equal) {
    const char *p = a.text, *q = b.text;
    int c, d;
    do {
        c = ft__bfcl_next_ascii(&p, a.text + a.n);
        d = ft__bfcl_next_ascii(&q, b.text + b.n);
    } while (c == d && c);
    *equal = c == d;
    if (p == a.text + a.n && q == b.text + b.n) return true;
    if (c && d) return true; /* unequal already */
    ft__buf x, y;
    ft__buf_init(&x, allocator);
    ft__buf_init(&y, allocator);
    ft__bfcl_standardize(a, &x);
    ft__bfcl_standardize(b, &y);
    *equal = ft__text_equal(x.data, x.len, y.data, y.len);
    bool ok = !x.failed && !y.failed;
    ft__buf_free(&x);
    ft__buf_free(&y);
    return ok;
}

/* ---- values */

/* Python's types of what JSON can hold. */
typedef enum ft__bfcl_type {
    FT__BFCL_ABSENT, FT__BFCL_NONE, FT__BFCL_BOOL, FT__BFCL_INT, FT__BFCL_FLOAT, FT__BFCL_STR,
    FT__BFCL_LIST, FT__BFCL_DICT
} ft__bfcl_type;

static ft__bfcl_type ft__bfcl_type_of(const ft__json *v) {
    static const ft__bfcl_type types[] = {FT__BFCL_NONE, FT__BFCL_BOOL, FT__BFCL_BOOL,
                                          FT__BFCL_INT,  FT__BFCL_STR,  FT__BFCL_LIST,
                                          FT__BFCL_DICT};
    if (v->type == FT__JSON_NUMBER)
        for (size_t i = 0; i < v->text_len; i++)
            if (strchr(".eE", v->text[i])) return FT__BFCL_FLOAT;
    return types[v->type];
}

/* The names that function descriptions use, and those of JSON Schema. */
static bool ft__bfcl_type_named(const ft__json *name, ft__bfcl_type *type) {
    static const struct {
        const char *name;
        ft__bfcl_type type;
    } names[] = {{"string", FT__BFCL_STR},   {"any", FT__BFCL_STR},      {"integer", FT__BFCL_INT},
                 {"float", FT__BFCL_FLOAT},  {"number", FT__BFCL_FLOAT}, {"boolean", FT__BFCL_BOOL},
                 {"array", FT__BFCL_LIST},   {"tuple", FT__BFCL_LIST},   {"dict", FT__BFCL_DICT},
                 {"object", FT__BFCL_DICT}};
    if (!name || name->type != FT__JSON_STRING) return false;
    for (size_t i = 0; i < FT__COUNT(names); i++) {
        *type = names[i].type;
        if (strcmp(names[i].name, name->text) == 0) return true;
    }
    return false;
}

static bool ft__bfcl_is_number(const ft__json *v, double *number) {
    *number = v->type == FT__JSON_NUMBER ? v->number : v->type == FT__JSON_TRUE;
    return v->type == FT__JSON_NUMBER || v->type == FT__JSON_TRUE || v->type == FT__JSON_FALSE;
}

/* Python's ==. */
static bool ft__bfcl_equal(const ft__json *a, const ft__json *b) {
    double x, y;
    if (ft__bfcl_is_number(a, &x)) return ft__bfcl_is_number(b, &y) && x == y;
    if (a->type != b->type || a->count != b->count) return false;
    if (a->type == FT__JSON_STRING)
        return ft__text_equal(a->text, a->text_len, b->text, b->text_len);
    const ft__json *other = b->child;
    for (const ft__json *m = a->child; m; m = m->next) {
        if (a->type == FT__JSON_OBJECT) other = ft__json_get(b, m->key);
        if (!other || !ft__bfcl_equal(m, other)) return false;
        other = other->next;
    }
    return true;
}

/* The same, but with standardised texts. */
static bool ft__bfcl_alike(const ft__metric_call *call, const ft__json *a, const ft__json *b) {
    bool equal = false;
    if (a->type != FT__JSON_STRING || b->type != FT__JSON_STRING) return ft__bfcl_equal(a, b);
    if (!ft__bfcl_text_equal(ft__json_view(a), ft__json_view(b), &call->arena->allocator, &equal))
        call->arena->failed = true;
    return equal;
}

static bool ft__bfcl_is_blank(const ft__json *v) {
    return v->type == FT__JSON_STRING && v->text_len == 0;
}

/* An empty text among the alternatives: the parameter may be left out. */
static bool ft__bfcl_optional(const ft__json *alternatives) {
    const ft__json *v = alternatives->child;
    while (v && !ft__bfcl_is_blank(v)) v = v->next;
    return v != NULL;
}

static bool ft__bfcl_list_alike(const ft__metric_call *call, const ft__json *a, const ft__json *b) {
    const ft__json *x = a->child, *y = b->child;
    while (x && y && ft__bfcl_alike(call, x, y)) x = x->next, y = y->next;
    return !x && !y;
}

/* The reference runs over an alternative as over a list, so that "" is the empty one. */
static const char *ft__bfcl_check_list(const ft__metric_call *call, const ft__json *value,
                                       const ft__json *alternatives) {
    for (const ft__json *v = alternatives->child; v; v = v->next)
        if ((v->type == FT__JSON_ARRAY || ft__bfcl_is_blank(v)) &&
            ft__bfcl_list_alike(call, value, v))
            return NULL;
    return "value_error:list/tuple";
}

static const char *ft__bfcl_check_text(const ft__metric_call *call, const ft__json *value,
                                       const ft__json *alternatives) {
    for (const ft__json *v = alternatives->child; v; v = v->next)
        if (v->type == FT__JSON_STRING && ft__bfcl_alike(call, value, v)) return NULL;
    return "value_error:string";
}

/* One dict against one alternative, whose members are lists of alternatives in their turn. */
static const char *ft__bfcl_check_members(const ft__metric_call *call, const ft__json *value,
                                          const ft__json *allowed) {
    const char *error = NULL;
    for (const ft__json *m = value->child; m && !error; m = m->next) {
        const ft__json *list = ft__json_get(allowed, m->key);
        const ft__json *v = list ? list->child : NULL;
        while (v && !ft__bfcl_alike(call, m, v)) v = v->next;
        if (!v) error = list ? "value_error:dict_value" : "value_error:dict_key";
    }
    for (const ft__json *m = allowed->child; m; m = m->next)
        if (!ft__json_get(value, m->key) && !ft__bfcl_optional(m)) return "value_error:dict_key";
    return error;
}

static const char *ft__bfcl_check_dict(const ft__metric_call *call, const ft__json *value,
                                       const ft__json *alternatives) {
    const char *error = "dict_checker:unclear";
    for (const ft__json *v = alternatives->child; v && error; v = v->next)
        if (!ft__bfcl_is_blank(v)) error = ft__bfcl_check_members(call, value, v);
    return error;
}

static const char *ft__bfcl_check_dicts(const ft__metric_call *call, const ft__json *value,
                                        const ft__json *alternatives) {
    const char *error = "list_dict_checker:unclear";
    for (const ft__json *v = alternatives->child; v && error; v = v->next) {
        error = v->count == value->count ? NULL : "value_error:list_dict_count";
        const ft__json *allowed = v->child;
        for (const ft__json *x = value->child; x && !error; x = x->next, allowed = allowed->next)
            error = ft__bfcl_is_blank(allowed) ? "dict_checker:unclear"
                                               : ft__bfcl_check_members(call, x, allowed);
    }
    return error;
}

/* ---- types */

/* That of the first alternative that says anything. */
static ft__bfcl_type ft__bfcl_type_of_answer(const ft__json *alternatives) {
    const ft__json *v = alternatives->child;
    while (v && ft__bfcl_is_blank(v)) v = v->next;
    return v ? ft__bfcl_type_of(v) : FT__BFCL_ABSENT;
}

/* Do the elements of a list have the right type, for at least one alternative? */
static bool ft__bfcl_elements_fit(const ft__json *value, const ft__json *alternatives,
                                  ft__bfcl_type item) {
    for (const ft__json *v = alternatives->child; v; v = v->next) {
        const ft__json *x = v->type == FT__JSON_ARRAY ? value->child : NULL;
        ft__bfcl_type answered = ft__bfcl_type_of_answer(v);
        while (x && (ft__bfcl_type_of(x) == item || ft__bfcl_type_of(x) == answered)) x = x->next;
        if (!x) return true;
    }
    return false;
}

typedef struct ft__bfcl_param {
    ft__bfcl_type type, item; /* of its elements, or FT__BFCL_ABSENT */
} ft__bfcl_param;

static ft_status ft__bfcl_read_param(const ft__metric_call *call, const ft__json *described,
                                     ft__bfcl_param *param) {
    const ft__json *type = ft__json_get(described, "type");
    const ft__json *item = ft__json_get(ft__json_get(described, "items"), "type");
    param->item = FT__BFCL_ABSENT;
    if (!ft__bfcl_type_named(type, &param->type))
        return ft__metric_fail(call, "\"%.60s\" has no type that is known", described->key);
    if (param->type == FT__BFCL_LIST && item && !ft__bfcl_type_named(item, &param->item))
        return ft__metric_fail(call, "the items of \"%.60s\" have no type that is known",
                               described->key);
    return FT_OK;
}

static const char *ft__bfcl_check_type(const ft__json *value, const ft__json *alternatives,
                                       ft__bfcl_param param, bool *is_variable) {
    ft__bfcl_type type = ft__bfcl_type_of(value), answered = ft__bfcl_type_of_answer(alternatives);
    if (param.type == FT__BFCL_FLOAT && type == FT__BFCL_INT) type = FT__BFCL_FLOAT;
    *is_variable = answered != FT__BFCL_ABSENT && answered != param.type;
    if (type != param.type) {
        *is_variable = true;
        return type == answered ? NULL : "type_error:simple";
    }
    if (param.item == FT__BFCL_ABSENT || ft__bfcl_elements_fit(value, alternatives, param.item))
        return NULL;
    return type == answered ? "type_error:nested" : "type_error:simple";
}

/* ---- calls */

static const char *ft__bfcl_check_value(const ft__metric_call *call, const ft__json *value,
                                        const ft__json *alternatives, ft__bfcl_param param) {
    bool is_variable;
    const char *error = ft__bfcl_check_type(value, alternatives, param, &is_variable);
    if (error) return error;
    if (!is_variable && param.type == FT__BFCL_DICT)
        return ft__bfcl_check_dict(call, value, alternatives);
    if (!is_variable && param.type == FT__BFCL_LIST)
        return param.item == FT__BFCL_DICT ? ft__bfcl_check_dicts(call, value, alternatives)
                                           : ft__bfcl_check_list(call, value, alternatives);
    if (!is_variable && param.type == FT__BFCL_STR)
        return ft__bfcl_check_text(call, value, alternatives);
    const ft__json *v = alternatives->child;
    while (v && !ft__bfcl_equal(value, v)) v = v->next;
    return v ? NULL : "value_error:others";
}

/* Everything about a function that checking a call needs. */
typedef struct ft__bfcl_case {
    const ft__json *name, *properties, *required, *answer; /* param -> list of alternatives */
} ft__bfcl_case;

static ft_status ft__bfcl_check_call(const ft__metric_call *call, const ft__bfcl_case *c,
                                     const ft__json *made, const char **error) {
    const ft__json *name = ft__json_get(made, "name"), *given = ft__json_get(made, "arguments");
    if (!name || name->type != FT__JSON_STRING || !given || given->type != FT__JSON_OBJECT)
        return ft__metric_fail(call, "a call needs a \"name\" and \"arguments\", an object");
    *error = "simple_function_checker:wrong_func_name";
    if (!ft__json_equal(name, c->name)) return FT_OK;
    *error = "simple_function_checker:missing_required";
    for (const ft__json *r = c->required ? c->required->child : NULL; r; r = r->next)
        if (r->type == FT__JSON_STRING && !ft__json_get(given, r->text)) return FT_OK;
    for (const ft__json *value = given->child; value; value = value->next) {
        const ft__json *described = ft__json_get(c->properties, value->key);
        const ft__json *alternatives = ft__json_get(c->answer, value->key);
        ft__bfcl_param param;
        *error = "simple_function_checker:unexpected_param";
        if (!described || !alternatives) return FT_OK;
        ft_status status = ft__bfcl_read_param(call, described, &param);
        if (status) return status;
        *error = ft__bfcl_check_value(call, value, alternatives, param);
        if (*error) return FT_OK;
    }
    *error = "simple_function_checker:missing_optional";
    for (const ft__json *p = c->answer->child; p; p = p->next)
        if (!ft__json_get(given, p->key) && !ft__bfcl_optional(p)) return FT_OK;
    *error = NULL;
    return FT_OK;
}

/* An answer is {name: {param: [alternatives]}}.  `function` NULL: the one of that name. */
static ft_status ft__bfcl_read_case(const ft__metric_call *call, const ft__json *functions,
                                    const ft__json *function, const ft__json *answer,
                                    ft__bfcl_case *c) {
    c->answer = answer->child;
    if (answer->type != FT__JSON_OBJECT || !c->answer || c->answer->type != FT__JSON_OBJECT)
        return ft__metric_fail(call, "a possible answer must be {name: {parameter: [values]}}");
    for (const ft__json *f = functions->child; f && !function; f = f->next) {
        const ft__json *name = ft__json_get(f, "name");
        if (name && name->type == FT__JSON_STRING &&
            ft__text_equal(name->text, name->text_len, c->answer->key, c->answer->key_len))
            function = f;
    }
    const ft__json *parameters = ft__json_get(function, "parameters");
    c->name = ft__json_get(function, "name");
    c->properties = ft__json_get(parameters, "properties");
    c->required = ft__json_get(parameters, "required");
    if (c->name) return FT_OK;
    return ft__metric_fail(call, "no function is described for the answer \"%.60s\"",
                           c->answer->key);
}

static ft_status ft__bfcl_check_parallel(const ft__metric_call *call, const ft__json *functions,
                                         const ft__json *answers, const ft__json *made,
                                         const char **error) {
    bool *taken = (bool *)ft__arena_alloc(call->arena, made->count, sizeof *taken);
    if (!taken) return ft__fail_memory(call->err);
    *error = NULL;
    for (const ft__json *answer = answers->child; answer && !*error; answer = answer->next) {
        ft__bfcl_case c;
        size_t i = 0;
        ft_status status = ft__bfcl_read_case(call, functions, NULL, answer, &c);
        *error = "";
        for (const ft__json *m = made->child; m && *error && !status; m = m->next, i++) {
            if (taken[i]) continue;
            status = ft__bfcl_check_call(call, &c, m, error);
            if (!*error) taken[i] = true;
        }
        if (status) return status;
    }
    if (*error) *error = "parallel_function_checker_no_order:cannot_find_match";
    return FT_OK;
}

static ft_status ft__bfcl_run(const ft__metric_call *call) {
    static const char *const languages[] = {"python"};
    static const char *const categories[] = {"simple_python", "simple", "multiple", "parallel",
                                             "parallel_multiple"};
    static const char *const wrong_count[] = {"simple_function_checker:wrong_count",
                                              "multiple_function_checker:wrong_count",
                                              "parallel_function_checker_no_order:wrong_count"};
    const ft__json *functions, *answers, *made;
    const char *error = NULL;
    int category = 0, language = 0;
    ft__bfcl_case c;
    ft_status status =
        ft__metric_word(call, "category", categories, FT__COUNT(categories), &category);
    if (!status)
        status = ft__metric_word(call, "language", languages, FT__COUNT(languages), &language);
    if (!status) status = ft__metric_input(call, "functions", FT__JSON_ARRAY, &functions);
    if (!status) status = ft__metric_input(call, "possible_answer", FT__JSON_ARRAY, &answers);
    if (!status) status = ft__metric_input(call, "model_output", FT__JSON_ARRAY, &made);
    if (status) return status;
    int kind = category < 2 ? 0 : category == 2 ? 1 : 2; /* simple, multiple, parallel */
    if (kind == 0 && !(functions->child && answers->child))
        return ft__metric_fail(call, "there must be a function and an answer");
    if (made->count != (kind == 0 ? 1 : answers->count)) {
        error = wrong_count[kind];
    } else if (kind == 2) {
        status = ft__bfcl_check_parallel(call, functions, answers, made, &error);
    } else if (made->child) {
        status = ft__bfcl_read_case(call, functions, kind == 0 ? functions->child : NULL,
                                    answers->child, &c);
        if (!status) status = ft__bfcl_check_call(call, &c, made->child, &error);
    }
    if (status) return status;
    ft__json_begin(call->out, '{');
    ft__json_key(call->out, "valid");
    ft__json_bool(call->out, !error);
    ft__json_key(call->out, "error_type");
    if (error) ft__json_text(call->out, error);
    else ft__json_null(call->out);
    ft__json_end(call->out, '}');
    return FT_OK;
}

FT__PRIV const ft__metric_kind *ft__bfcl_metrics(size_t *n) {
    static const ft__metric_kind kinds[] = {{"bfcl_ast", 0, ft__bfcl_run}};
    *n = FT__COUNT(kinds);
    return kinds;
}
