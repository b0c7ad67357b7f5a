/* JSON Schema: holding a value against rules.

   Which children of a value have been evaluated is told in marks, a byte for each, kept only where
   unevaluatedItems or unevaluatedProperties will ask.  Each subschema gets marks of its own, which
   count only if it holds: that is how cousins stay unseen.  $dynamicRef asks the chain of resources
   that were entered.

   A check goes through at most FT__SCHEMA_MAX_STEPS subschemas and into FT__SCHEMA_MAX_DEPTH of
   them.  Beyond that it is an error, never a verdict. */
#include "schema.h"

#define FT__SCHEMA_MAX_DEPTH 2000
#define FT__SCHEMA_MAX_STEPS (1u << 24)
#define FT__NO_MARKS SIZE_MAX

/* The resources that were entered, innermost first. */
typedef struct ft__schema_scope {
    const ft__schema_resource *resource;
    const struct ft__schema_scope *up;
} ft__schema_scope;

/* A place in the value. */
struct ft__schema_at {
    const ft__json *value;
    size_t index; /* among its siblings */
    const ft__schema_at *up;
    const ft__schema_scope *scope;
};

struct ft__schema_run {
    ft_allocator allocator;
    bool formats;
    ft_status status; /* why it ended before its time */
    unsigned steps;
    int depth;
    int quiet; /* > 0: a failure here need not be one of the whole */
    const ft__schema_rule *rule; /* the one at work; NULL: none yet */
    uint8_t *marks;
    size_t n_marks, cap_marks;
    char *why;
};

static bool ft__schema_stop(ft__schema_run *run, ft_status status) {
    if (run->status == FT_OK) run->status = status;
    return false;
}

/* Writes the end of a place's JSON pointer; returns where it begins in `out`. */
static const char *ft__schema_pointer(const ft__schema_at *at, char out[80]) {
    char *p = out + 79;
    *p = 0;
    for (; at->up; at = at->up) {
        char number[32];
        ft__view name = {number, 0};
        if (at->value->key) name = ft__json_key_view(at->value);
        else name.n = (size_t)snprintf(number, sizeof number, "%zu", at->index);
        if (name.n + 4 > (size_t)(p - out)) {
            memcpy(p -= 3, "...", 3);
            break;
        }
        p -= name.n;
        for (size_t i = 0; i < name.n; i++)
            p[i] = (unsigned char)name.text[i] < 32 ? '?' : name.text[i];
        *--p = '/';
    }
    return p;
}

static bool ft__schema_say(ft__schema_run *run, const ft__schema_at *at, const char *keyword,
                           const char *fmt, ...) FT__PRINTF(4, 5);
/* False, which is what a check then returns. */
static bool ft__schema_say(ft__schema_run *run, const ft__schema_at *at, const char *keyword,
                           const char *fmt, ...) {
    char pointer[80], message[100];
    va_list args;
    if (run->quiet || run->status != FT_OK) return false;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    snprintf(run->why, 160, "\"%s\": %s%s%s", ft__schema_pointer(at, pointer), keyword,
             message[0] ? ": " : "", message);
    size_t n = strlen(run->why);
    run->why[n - ft__utf8_incomplete_tail(run->why, n)] = 0;
    return false;
}

static bool ft__schema_push_marks(ft__schema_run *run, size_t n, size_t *marks) {
    *marks = run->n_marks;
    if (!ft__grow(&run->allocator, (void **)&run->marks, &run->cap_marks, run->n_marks + n + 1, 1))
        return ft__schema_stop(run, FT_ERR_MEMORY);
    memset(run->marks + *marks, 0, n);
    run->n_marks += n;
    return true;
}

/* Applies a subschema to the value; what it evaluates is added to `marks`. */
static bool ft__schema_apply(ft__schema_run *run, const ft__schema_node *node,
                             const ft__schema_at *at, size_t marks) {
    ft__schema_scope scope = {node->resource, at->scope};
    ft__schema_at here = *at;
    const ft__schema_rule *caller = run->rule;
    size_t own = FT__NO_MARKS, n = at->value->count;
    bool ok = true;
    if (run->status != FT_OK) return false;
    if (node->json->type == FT__JSON_TRUE) return true;
    if (node->json->type == FT__JSON_FALSE)
        return ft__schema_say(run, at, caller ? caller->name : "false", "not allowed");
    if (++run->steps > FT__SCHEMA_MAX_STEPS || run->depth == FT__SCHEMA_MAX_DEPTH)
        return ft__schema_stop(run, FT_ERR_LIMIT);
    if (at->scope->resource != node->resource) here.scope = &scope;
    if ((marks != FT__NO_MARKS || node->needs_marks) && !ft__schema_push_marks(run, n, &own))
        return false;
    run->depth++;
    for (const ft__schema_rule *r = node->rules; r && ok; r = r->next) {
        run->rule = r;
        ok = r->check(run, r, &here, own);
    }
    run->rule = caller;
    run->depth--;
    if (own == FT__NO_MARKS) return ok && run->status == FT_OK;
    for (size_t i = 0; ok && marks != FT__NO_MARKS && i < n; i++)
        run->marks[marks + i] |= run->marks[own + i];
    run->n_marks = own;
    return ok && run->status == FT_OK;
}

/* The same where a failure decides nothing yet. */
static bool ft__schema_try(ft__schema_run *run, const ft__schema_node *node,
                           const ft__schema_at *at, size_t marks) {
    run->quiet++;
    bool ok = ft__schema_apply(run, node, at, marks);
    run->quiet--;
    return ok;
}

static bool ft__schema_apply_child(ft__schema_run *run, const ft__schema_node *node,
                                   const ft__schema_at *at, const ft__json *child, size_t index) {
    ft__schema_at below = {child, index, at, at->scope};
    return ft__schema_apply(run, node, &below, FT__NO_MARKS);
}

static void ft__schema_mark(ft__schema_run *run, size_t marks, size_t index) {
    if (marks != FT__NO_MARKS) run->marks[marks + index] = 1;
}

static bool ft__schema_matches(ft__schema_run *run, const ft__regex *regex, ft__view text) {
    bool found = false;
    run->steps += 1 + (unsigned)(text.n / 64);
    if (run->steps > FT__SCHEMA_MAX_STEPS) return ft__schema_stop(run, FT_ERR_LIMIT);
    ft_status status = ft__regex_search(regex, text.text, text.n, &found, NULL);
    return status == FT_OK ? found : ft__schema_stop(run, status);
}

/* The first member from `m` on whose key is not before this one.  Both lists are sorted, so that
   looking up one in the other takes one pass. */
static const ft__json *ft__schema_seek(const ft__json *m, ft__view name, bool *found) {
    int order = 1;
    for (; m; m = m->next) {
        order = ft__text_compare(ft__json_key_view(m), name);
        if (order >= 0) break;
    }
    *found = m && order == 0;
    return m;
}

static bool ft__schema_check_names(ft__schema_run *run, const ft__schema_at *at,
                                   const char *keyword, const ft__view *names, size_t n) {
    const ft__json *m = at->value->child;
    char excerpt[64];
    bool found = true;
    for (size_t i = 0; i < n && found; i++) {
        m = ft__schema_seek(m, names[i], &found);
        if (!found)
            ft__schema_say(run, at, keyword, "no \"%s\"", ft__text_excerpt(names[i], excerpt));
    }
    return found;
}

/* ---- checks of one keyword */

/* 9.0 is an integer.  Beyond 2^53 a double is always one; its text decides. */
static bool ft__schema_is_integer(const ft__json *v) {
    if (!memchr(v->text, '.', v->text_len) && !memchr(v->text, 'e', v->text_len) &&
        !memchr(v->text, 'E', v->text_len))
        return true;
    ft__decimal d = ft__decimal_of(v);
    int64_t n = d.end - d.digits;
    if (d.digits && memchr(d.digits, '.', (size_t)n)) n--;
    return !d.digits || d.exponent >= n;
}

static int ft__schema_type_of(const ft__json *v) {
    switch (v->type) {
    case FT__JSON_NULL: return 0;
    case FT__JSON_FALSE:
    case FT__JSON_TRUE: return 1;
    case FT__JSON_NUMBER: return 2;
    case FT__JSON_STRING: return 3;
    case FT__JSON_ARRAY: return 4;
    case FT__JSON_OBJECT: return 5;
    }
    return 0;
}

FT__PRIV bool ft__schema_check_type(ft__schema_run *run, const ft__schema_rule *r,
                                    const ft__schema_at *at, size_t marks) {
    static const char *const types[] = FT__SCHEMA_TYPES;
    int type = ft__schema_type_of(at->value);
    char expected[80] = "";
    (void)marks;
    if (r->arg & 1 << type) return true;
    if (type == FT__SCHEMA_NUMBER && (r->arg & 1 << FT__SCHEMA_INTEGER) &&
        ft__schema_is_integer(at->value))
        return true;
    if (run->quiet) return false;
    for (size_t i = 0; i < FT__COUNT(types); i++) {
        size_t n = strlen(expected);
        if (r->arg & 1 << i)
            snprintf(expected + n, sizeof expected - n, "%s%s", n ? " or " : "",
                     types[i]);
    }
    return ft__schema_say(run, at, r->name, "expected %s, found %s", expected,
                          types[type]);
}

FT__PRIV bool ft__schema_check_enum(ft__schema_run *run, const ft__schema_rule *r,
                                    const ft__schema_at *at, size_t marks) {
    (void)marks;
    if (bsearch(&at->value, r->values, r->n_values, sizeof *r->values, ft__schema_compare_values))
        return true;
    return ft__schema_say(run, at, r->name, "no such value");
}

/* maximum, minimum and their exclusive forms: r->arg is 1 for an upper limit, -1 for a lower one,
   doubled where the limit itself is out. */
FT__PRIV bool ft__schema_check_limit(ft__schema_run *run, const ft__schema_rule *r,
                                     const ft__schema_at *at, size_t marks) {
    char limit[64], value[64];
    (void)marks;
    if (at->value->type != FT__JSON_NUMBER) return true;
    int order = ft__json_compare_numbers(at->value, r->value);
    if (r->arg < 0) order = -order;
    if (order < 0 || (order == 0 && (r->arg == 1 || r->arg == -1))) return true;
    return ft__schema_say(run, at, r->name, "%s, found %s",
                          ft__text_excerpt(ft__json_view(r->value), limit),
                          ft__text_excerpt(ft__json_view(at->value), value));
}

/* The digits of a decimal as one number; false if it has too many. */
static bool ft__schema_digits(const ft__decimal *d, uint64_t *digits, int64_t *n) {
    *digits = 0;
    *n = 0;
    for (const char *p = d->digits; p < d->end; p++) {
        if (*p == '.') continue;
        if (++*n > 18) return false;
        *digits = 10 * *digits + (uint64_t)(*p - '0');
    }
    return true;
}

/* Exactly, as decimals: with the digits V and D of value and step, neither ending in 0, and e the
   difference of their exponents, the question is whether V * 10^e is a multiple of D. */
static bool ft__schema_is_multiple(const ft__json *value, const ft__json *step) {
    ft__decimal v = ft__decimal_of(value), d = ft__decimal_of(step);
    uint64_t divisor, rest = 0;
    int64_t n, n_v = 0;
    if (!v.digits) return true;
    if (!ft__schema_digits(&d, &divisor, &n)) {
        double q = value->number / step->number;
        return ft__finite(q) && q == ft__floor(q);
    }
    for (const char *p = v.digits; p < v.end; p++) {
        if (*p == '.') continue;
        rest = (10 * rest + (uint64_t)(*p - '0')) % divisor;
        n_v++;
    }
    int64_t e = (v.exponent - n_v) - (d.exponent - n);
    if (e < 0) return false;
    while (e-- > 0 && rest) rest = 10 * rest % divisor;
    return rest == 0;
}

FT__PRIV bool ft__schema_check_multiple(ft__schema_run *run, const ft__schema_rule *r,
                                        const ft__schema_at *at, size_t marks) {
    (void)marks;
    if (at->value->type != FT__JSON_NUMBER || ft__schema_is_multiple(at->value, r->value))
        return true;
    return ft__schema_say(run, at, r->name, "%s", "");
}

/* maxLength and all its kind: r->arg is the type of value, negative where the count is a least. */
FT__PRIV bool ft__schema_check_count(ft__schema_run *run, const ft__schema_rule *r,
                                     const ft__schema_at *at, size_t marks) {
    bool least = r->arg < 0;
    char limit[32];
    (void)marks;
    if ((int)at->value->type != (least ? -r->arg : r->arg)) return true;
    size_t count = at->value->type == FT__JSON_STRING ? ft__text_chars(ft__json_view(at->value))
                                                      : at->value->count;
    if (least ? (double)count >= r->low : (double)count <= r->low) return true;
    ft__number_write(r->low, limit);
    return ft__schema_say(run, at, r->name, "%s, found %zu", limit, count);
}

FT__PRIV bool ft__schema_check_pattern(ft__schema_run *run, const ft__schema_rule *r,
                                       const ft__schema_at *at, size_t marks) {
    char excerpt[64];
    (void)marks;
    if (at->value->type != FT__JSON_STRING ||
        ft__schema_matches(run, r->patterns->pattern, ft__json_view(at->value)))
        return true;
    return ft__schema_say(run, at, r->name, "no match in \"%s\"",
                          ft__text_excerpt(ft__json_view(at->value), excerpt));
}

/* A pattern that is well formed, but beyond our engine, is still a regex. */
static bool ft__schema_is_regex(ft__schema_run *run, ft__view text) {
    ft_error inner = {FT_OK, "", ""};
    ft__regex *regex =
        ft__regex_compile(text.text, text.n, FT__REGEX_ECMA, &run->allocator, &inner);
    ft__regex_free(regex);
    if (!regex && inner.code == FT_ERR_MEMORY) return ft__schema_stop(run, FT_ERR_MEMORY);
    return regex || inner.code != FT_ERR_ARGUMENT;
}

FT__PRIV bool ft__schema_check_format(ft__schema_run *run, const ft__schema_rule *r,
                                      const ft__schema_at *at, size_t marks) {
    char excerpt[64];
    (void)marks;
    if (at->value->type != FT__JSON_STRING || !(run->formats || r->arg)) return true;
    ft__view text = ft__json_view(at->value);
    if (r->format->test ? r->format->test(text) : ft__schema_is_regex(run, text)) return true;
    return ft__schema_say(run, at, r->name, "\"%s\" is no %s", ft__text_excerpt(text, excerpt),
                          r->format->name);
}

FT__PRIV bool ft__schema_check_items(ft__schema_run *run, const ft__schema_rule *r,
                                     const ft__schema_at *at, size_t marks) {
    size_t i = 0;
    if (at->value->type != FT__JSON_ARRAY) return true;
    for (const ft__json *v = at->value->child; v; v = v->next, i++) {
        const ft__schema_node *node = i < r->n_members ? r->members[i].node : r->node;
        if (!node) break;
        if (!ft__schema_apply_child(run, node, at, v, i)) return false;
        ft__schema_mark(run, marks, i);
    }
    return true;
}

FT__PRIV bool ft__schema_check_contains(ft__schema_run *run, const ft__schema_rule *r,
                                        const ft__schema_at *at, size_t marks) {
    size_t i = 0, n = 0;
    char limit[32];
    if (at->value->type != FT__JSON_ARRAY) return true;
    run->quiet++;
    for (const ft__json *v = at->value->child; v; v = v->next, i++) {
        if (!ft__schema_apply_child(run, r->node, at, v, i)) continue;
        n++;
        if (r->arg) ft__schema_mark(run, marks, i);
    }
    run->quiet--;
    if ((double)n >= r->low && (double)n <= r->high) return true;
    ft__number_write((double)n < r->low ? r->low : r->high, limit);
    return ft__schema_say(run, at, r->name, "%s%s, found %zu",
                          (double)n < r->low ? "at least " : "at most ", limit, n);
}

FT__PRIV bool ft__schema_check_unique(ft__schema_run *run, const ft__schema_rule *r,
                                      const ft__schema_at *at, size_t marks) {
    size_t n = 0, same = 1;
    (void)marks;
    if (at->value->type != FT__JSON_ARRAY || at->value->count < 2) return true;
    const ft__json **items =
        (const ft__json **)ft__alloc_zero(&run->allocator, at->value->count, sizeof *items);
    if (!items) return ft__schema_stop(run, FT_ERR_MEMORY);
    for (const ft__json *v = at->value->child; v; v = v->next) items[n++] = v;
    run->steps += (unsigned)n;
    qsort(items, n, sizeof *items, ft__schema_compare_values);
    while (same < n && ft__json_compare(items[same - 1], items[same]) != 0) same++;
    ft__free(&run->allocator, items);
    return same == n ? true : ft__schema_say(run, at, r->name, "two items are equal");
}

FT__PRIV bool ft__schema_check_required(ft__schema_run *run, const ft__schema_rule *r,
                                        const ft__schema_at *at, size_t marks) {
    (void)marks;
    return at->value->type != FT__JSON_OBJECT ||
           ft__schema_check_names(run, at, r->name, r->names, r->n_names);
}

FT__PRIV bool ft__schema_check_dependencies(ft__schema_run *run, const ft__schema_rule *r,
                                            const ft__schema_at *at, size_t marks) {
    const ft__json *m = at->value->child;
    bool found, ok = true;
    if (at->value->type != FT__JSON_OBJECT) return true;
    for (size_t i = 0; i < r->n_members && ok; i++) {
        const ft__schema_member *member = &r->members[i];
        m = ft__schema_seek(m, ft__json_key_view(member->key), &found);
        if (!found) continue;
        ok = member->node ? ft__schema_apply(run, member->node, at, marks)
                          : ft__schema_check_names(run, at, r->name, member->names,
                                                   member->n_names);
    }
    return ok;
}

FT__PRIV bool ft__schema_check_properties(ft__schema_run *run, const ft__schema_rule *r,
                                          const ft__schema_at *at, size_t marks) {
    size_t i = 0, next = 0;
    if (at->value->type != FT__JSON_OBJECT) return true;
    for (const ft__json *v = at->value->child; v; v = v->next, i++) {
        bool known = false;
        int order = 1;
        while (next < r->n_members &&
               (order = ft__json_compare_keys(r->members[next].key, v)) < 0)
            next++;
        if (next < r->n_members && order == 0) {
            known = true;
            if (!ft__schema_apply_child(run, r->members[next].node, at, v, i)) return false;
        }
        for (size_t k = 0; k < r->n_patterns; k++) {
            if (!ft__schema_matches(run, r->patterns[k].pattern, ft__json_key_view(v))) continue;
            known = true;
            if (!ft__schema_apply_child(run, r->patterns[k].node, at, v, i)) return false;
        }
        if (!known && r->node) {
            ft__schema_at below = {v, i, at, at->scope};
            known = true;
            if (r->node->json->type == FT__JSON_FALSE)
                return ft__schema_say(run, &below, "additionalProperties", "not allowed");
            if (!ft__schema_apply(run, r->node, &below, FT__NO_MARKS)) return false;
        }
        if (known) ft__schema_mark(run, marks, i);
    }
    return true;
}

FT__PRIV bool ft__schema_check_property_names(ft__schema_run *run, const ft__schema_rule *r,
                                              const ft__schema_at *at, size_t marks) {
    size_t i = 0;
    (void)marks;
    if (at->value->type != FT__JSON_OBJECT) return true;
    for (const ft__json *v = at->value->child; v; v = v->next, i++) {
        ft__json name;
        memset(&name, 0, sizeof name);
        name.type = FT__JSON_STRING;
        name.text = name.key = v->key;
        name.text_len = name.key_len = v->key_len;
        if (!ft__schema_apply_child(run, r->node, at, &name, i)) return false;
    }
    return true;
}

FT__PRIV bool ft__schema_check_all(ft__schema_run *run, const ft__schema_rule *r,
                                   const ft__schema_at *at, size_t marks) {
    for (size_t i = 0; i < r->n_members; i++)
        if (!ft__schema_apply(run, r->members[i].node, at, marks)) return false;
    return true;
}

/* anyOf (at least one) and oneOf (r->arg: exactly one). */
FT__PRIV bool ft__schema_check_any(ft__schema_run *run, const ft__schema_rule *r,
                                   const ft__schema_at *at, size_t marks) {
    size_t n = 0;
    for (size_t i = 0; i < r->n_members; i++) {
        if (!ft__schema_try(run, r->members[i].node, at, marks)) continue;
        n++;
        if (r->arg ? n > 1 : marks == FT__NO_MARKS) break;
    }
    if (r->arg ? n == 1 : n > 0) return true;
    return ft__schema_say(run, at, r->name, n ? "more than one holds" : "none holds");
}

FT__PRIV bool ft__schema_check_not(ft__schema_run *run, const ft__schema_rule *r,
                                   const ft__schema_at *at, size_t marks) {
    (void)marks;
    if (!ft__schema_try(run, r->node, at, FT__NO_MARKS)) return true;
    return ft__schema_say(run, at, r->name, "it holds");
}

FT__PRIV bool ft__schema_check_if(ft__schema_run *run, const ft__schema_rule *r,
                                  const ft__schema_at *at, size_t marks) {
    if (!r->then && !r->otherwise && marks == FT__NO_MARKS) return true;
    const ft__schema_node *node =
        ft__schema_try(run, r->node, at, marks) ? r->then : r->otherwise;
    return !node || ft__schema_apply(run, node, at, marks);
}

/* A dynamic reference means the anchor of that name in the outermost resource which has one. */
FT__PRIV bool ft__schema_check_reference(ft__schema_run *run, const ft__schema_rule *r,
                                         const ft__schema_at *at, size_t marks) {
    const ft__schema_node *node = r->node;
    for (const ft__schema_scope *s = r->anchor.text ? at->scope : NULL; s; s = s->up) {
        run->steps++;
        for (const ft__schema_anchor *a = s->resource->dynamic; a; a = a->next)
            if (ft__text_compare(a->name, r->anchor) == 0) node = a->node;
    }
    return ft__schema_apply(run, node, at, marks);
}

/* Items or (r->arg) properties that nothing has evaluated so far. */
FT__PRIV bool ft__schema_check_unevaluated(ft__schema_run *run, const ft__schema_rule *r,
                                           const ft__schema_at *at, size_t marks) {
    size_t i = 0;
    if (at->value->type != (r->arg ? FT__JSON_OBJECT : FT__JSON_ARRAY)) return true;
    for (const ft__json *v = at->value->child; v; v = v->next, i++) {
        if (run->marks[marks + i]) continue;
        if (!ft__schema_apply_child(run, r->node, at, v, i)) return false;
        run->marks[marks + i] = 1;
    }
    return true;
}

FT__PRIV ft_status ft__schema_check(const ft__schema *schema, const ft__json *value, bool formats,
                                    bool *valid, char why[160], ft_error *err) {
    ft__schema_run run;
    ft__schema_scope scope = {schema->root->resource, NULL};
    ft__schema_at at = {value, 0, NULL, &scope};
    memset(&run, 0, sizeof run);
    run.allocator = schema->arena.allocator;
    run.formats = formats;
    run.why = why;
    why[0] = 0;
    *valid = ft__schema_apply(&run, schema->root, &at, FT__NO_MARKS);
    ft__free(&run.allocator, run.marks);
    if (run.status == FT_OK) return FT_OK;
    *valid = false;
    why[0] = 0;
    if (run.status == FT_ERR_MEMORY) return ft__fail_memory(err);
    if (run.steps > FT__SCHEMA_MAX_STEPS)
        return ft__fail(err, FT_ERR_LIMIT, "", "schema: checking takes more than %u steps",
                        FT__SCHEMA_MAX_STEPS);
    return ft__fail(err, FT_ERR_LIMIT, "",
                    "schema: more than %d schemas deep; it refers to itself without end",
                    FT__SCHEMA_MAX_DEPTH);
}

#undef FT__SCHEMA_MAX_DEPTH
#undef FT__SCHEMA_MAX_STEPS
#undef FT__NO_MARKS
