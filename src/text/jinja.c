/* The Jinja interpreter: walks the nodes of a template with the state of one rendering.

   Names are looked up in scopes, innermost first, then among the caller's variables, then among the global
   functions.  `if` makes no scope; a loop's body does, for each turn anew; macros and call blocks see the scope
   they were made in, not the one they are called from.

   All output goes to one buffer.  What is captured (a macro's result, a set block) is the end of that buffer,
   cut off when it is complete.

   Limits: each node costs a step and large pieces of memory or text some more; nesting of any kind (nodes,
   macros, values) has one bound, so that no template can exhaust the stack. */
#include "jinja.h"

typedef enum ft__jflow { FT__JFLOW_ON, FT__JFLOW_BREAK, FT__JFLOW_CONTINUE } ft__jflow;

static ft__jv ft__jx_eval(ft__jinja *r, const ft__jnode *node);
static ft__jflow ft__jx_exec(ft__jinja *r, const ft__jnode *list);

/* ---- errors and limits */

FT__PRIV bool ft__jinja_fail(ft__jinja *r, ft_status status, const char *fmt, ...) {
    va_list args;
    if (r->status) return false;
    va_start(args, fmt);
    vsnprintf(r->message, sizeof r->message, fmt, args);
    va_end(args);
    r->status = status;
    return false;
}

FT__PRIV bool ft__jinja_error(ft__jinja *r, const char *fmt, ...) {
    va_list args;
    if (r->status) return false;
    va_start(args, fmt);
    vsnprintf(r->message, sizeof r->message, fmt, args);
    va_end(args);
    r->status = FT_ERR_DATA;
    return false;
}

FT__PRIV bool ft__jinja_work(ft__jinja *r, size_t steps) {
    if (r->status) return false;
    r->steps += steps;
    if (r->steps <= r->limit.steps) return true;
    return ft__jinja_fail(r, FT_ERR_LIMIT, "more than %llu steps", (unsigned long long)r->limit.steps);
}

FT__PRIV bool ft__jinja_down(ft__jinja *r) {
    if (r->status) return false;
    if (r->depth >= r->limit.depth)
        return ft__jinja_fail(r, FT_ERR_LIMIT, "nested more than %d deep", r->limit.depth);
    r->depth++;
    return true;
}

FT__PRIV void ft__jinja_up(ft__jinja *r) { r->depth--; }

/* ---- names */

static ft__jscope *ft__jx_new_scope(ft__jinja *r, ft__jscope *parent) {
    ft__jscope *scope = (ft__jscope *)ft__jinja_alloc(r, 1, sizeof *scope);
    if (scope) scope->parent = parent;
    return scope;
}

static void ft__jx_set(ft__jinja *r, ft__jscope *scope, uint32_t id, ft__jv value) {
    if (r->status) return;
    for (uint32_t i = 0; i < scope->n; i++) {
        if (scope->vars[i].id != id) continue;
        scope->vars[i].value = value;
        return;
    }
    if (scope->n == scope->cap) {
        uint32_t cap = scope->cap ? 2 * scope->cap : 4;
        ft__jvar *vars = (ft__jvar *)ft__jinja_alloc(r, cap, sizeof *vars);
        if (!vars) return;
        if (scope->n) memcpy(vars, scope->vars, scope->n * sizeof *vars);
        scope->vars = vars;
        scope->cap = cap;
    }
    scope->vars[scope->n].id = id;
    scope->vars[scope->n++].value = value;
}

/* The names that a scope owns from its beginning. */
static void ft__jx_begin(ft__jinja *r, ft__jscope *scope, const ft__jmissing *missing) {
    for (uint32_t i = 0; i < missing->n; i++)
        ft__jx_set(r, scope, missing->ids[i], ft__jinja_value(FT__JV_MISSING));
}

static const ft__jv *ft__jx_find(const ft__jscope *scope, uint32_t id) {
    for (; scope; scope = scope->parent)
        for (uint32_t i = 0; i < scope->n; i++)
            if (scope->vars[i].id == id) return &scope->vars[i].value;
    return NULL;
}

static ft__jv ft__jx_lookup(ft__jinja *r, uint32_t id) {
    const ft__jv *found = ft__jx_find(r->scope, id);
    ft__jv v = found ? *found : r->context[id];
    if (v.type != FT__JV_MISSING) return v;
    if (found || !r->t->functions[id]) return ft__jinja_undefined(FT__JV_MISSING, r->t->ids->entries[id].key.as.s);
    v = ft__jinja_value(FT__JV_FUNCTION);
    v.as.row = r->t->functions[id];
    return v;
}

/* Unpacks into as many targets as there are. */
static void ft__jx_assign(ft__jinja *r, ft__jscope *scope, const ft__jnode *target, ft__jv value) {
    const ft__jv *items;
    size_t n, wanted = 0;
    if (r->status) return;
    if (target->kind == FT__JN_NAME) {
        ft__jx_set(r, scope, target->id, value);
        return;
    }
    if (target->kind == FT__JN_NSREF) {
        ft__jv ns = ft__jx_lookup(r, target->id);
        if (ns.type != FT__JV_NAMESPACE) ft__jinja_error(r, "cannot assign attribute on non-namespace object");
        else ft__jinja_dict_set(r, ns.as.dict, target->value, value);
        return;
    }
    for (const ft__jnode *one = target->args; one; one = one->next) wanted++;
    if (!ft__jinja_iterate(r, value, &items, &n)) return;
    if (n != wanted) {
        ft__jinja_error(r, "%s values to unpack (expected %zu, got %zu)", n > wanted ? "too many" : "not enough",
                        wanted, n);
        return;
    }
    for (const ft__jnode *one = target->args; one; one = one->next) ft__jx_assign(r, scope, one, *items++);
}

/* ---- calls */

static void ft__jx_count_args(const ft__jnode *args, size_t *n, size_t *n_named) {
    for (; args; args = args->next) {
        *n += args->kind != FT__JN_KEYWORD && args->kind != FT__JN_STAR && args->kind != FT__JN_STAR_STAR;
        *n_named += args->kind == FT__JN_KEYWORD;
    }
}

static void ft__jx_add_items(ft__jinja *r, ft__jargs *args, ft__jv more) {
    const ft__jv *items;
    size_t n;
    if (!ft__jinja_iterate(r, more, &items, &n)) return;
    ft__jv *all = (ft__jv *)ft__jinja_alloc(r, args->n + n, sizeof *all);
    if (!all) return;
    if (args->n) memcpy(all, args->items, args->n * sizeof *all);
    if (n) memcpy(all + args->n, items, n * sizeof *all);
    args->items = all;
    args->n += n;
}

static void ft__jx_add_named(ft__jinja *r, ft__jargs *args, const ft__jdict *more) {
    ft__jpair *all = (ft__jpair *)ft__jinja_alloc(r, args->n_named + more->n, sizeof *all);
    if (!all) return;
    if (args->n_named) memcpy(all, args->named, args->n_named * sizeof *all);
    for (size_t i = 0; i < more->n; i++) {
        if (more->entries[i].key.type != FT__JV_STR) {
            ft__jinja_error(r, "keywords must be strings");
            return;
        }
        all[args->n_named].name = more->entries[i].key.as.s;
        all[args->n_named++].value = more->entries[i].value;
    }
    args->named = all;
}

/* The arguments of a call, and `caller` if there is one. */
static ft__jargs ft__jx_args(ft__jinja *r, const ft__jnode *list, const ft__jv *caller) {
    ft__jargs args = {NULL, 0, NULL, 0};
    static const ft__jstr name_caller = {"caller", 6, 6, NULL};
    size_t n = 0, n_named = caller ? 1 : 0;
    ft__jx_count_args(list, &n, &n_named);
    ft__jv *items = n ? (ft__jv *)ft__jinja_alloc(r, n, sizeof *items) : NULL;
    ft__jpair *named = n_named ? (ft__jpair *)ft__jinja_alloc(r, n_named, sizeof *named) : NULL;
    if (r->status) return args;
    args.items = items;
    args.named = named;
    for (const ft__jnode *node = list; node && !r->status; node = node->next) {
        ft__jv v = ft__jx_eval(r, node->kind == FT__JN_KEYWORD || node->kind == FT__JN_STAR ||
                                          node->kind == FT__JN_STAR_STAR ? node->a : node);
        if (node->kind == FT__JN_KEYWORD) {
            named[args.n_named].name = node->value.as.s;
            named[args.n_named++].value = v;
        } else if (node->kind == FT__JN_STAR) {
            ft__jx_add_items(r, &args, v);
        } else if (node->kind == FT__JN_STAR_STAR) {
            if (v.type == FT__JV_DICT) ft__jx_add_named(r, &args, v.as.dict);
            else ft__jinja_error(r, "argument after ** must be a mapping, not %s", ft__jinja_type_name(v));
        } else {
            items[args.n++] = v;
        }
    }
    if (!caller || r->status) return args;
    if (args.n_named < n_named && args.named == named) { /* there is room for it */
        named[args.n_named].name = &name_caller;
        named[args.n_named++].value = *caller;
    } else {
        ft__jinja_error(r, "a call block cannot pass ** arguments");
    }
    return args;
}

static size_t ft__jx_count_names(const char *names) {
    size_t n = *names != 0;
    for (; *names; names++) n += *names == ' ';
    return n;
}

/* The place of a name among names apart by blanks, or `n`. */
static size_t ft__jx_place(const char *names, const ft__jstr *name, size_t n) {
    for (size_t i = 0; i < n; i++) {
        size_t length = strcspn(names, " ");
        if (length == name->len && memcmp(names, name->data, length) == 0) return i;
        names += length + 1;
    }
    return n;
}

FT__PRIV ft__jv ft__jinja_call_row(ft__jinja *r, const ft__jrow *row, ft__jv self, const ft__jargs *args) {
    ft__jv items[8];
    if (r->status) return self;
    if (!row->names) return row->call(r, self, args);
    bool only_places = row->names[0] == '/';
    const char *names = row->names + only_places;
    size_t n = ft__jx_count_names(names);
    if (args->n > n) {
        ft__jinja_error(r, "%s takes at most %zu argument%s, got %zu", row->name, n, n == 1 ? "" : "s", args->n);
        return self;
    }
    memset(items, 0, sizeof items);
    if (args->n) memcpy(items, args->items, args->n * sizeof *items);
    for (size_t i = 0; i < args->n_named; i++) {
        const ft__jstr *name = args->named[i].name;
        size_t place = only_places ? n : ft__jx_place(names, name, n);
        if (place < n && items[place].type == FT__JV_MISSING) {
            items[place] = args->named[i].value;
            continue;
        }
        ft__jinja_error(r, "%s got %s '%.*s'", row->name,
                        place < n ? "two values for" : "an unexpected keyword argument",
                        (int)(name->len < 100 ? name->len : 100), name->data);
        return self;
    }
    for (int i = 0; i < row->required; i++) {
        if (items[i].type != FT__JV_MISSING) continue;
        ft__jinja_error(r, "%s needs %d argument%s (%s)", row->name, row->required, row->required == 1 ? "" : "s",
                        names);
        return self;
    }
    ft__jargs bound = {items, n, NULL, 0};
    return row->call(r, self, &bound);
}

/* Gives a macro's parameters their values in its scope; *named tells which of the named ones were taken. */
static void ft__jx_bind(ft__jinja *r, const ft__jnode *node, ft__jscope *scope, const ft__jargs *args,
                        bool *taken) {
    size_t i = 0;
    for (const ft__jnode *param = node->args; param && !r->status; param = param->next, i++) {
        ft__jv value = i < args->n ? args->items[i] : ft__jinja_value(FT__JV_MISSING);
        for (size_t k = 0; k < args->n_named && i >= args->n; k++) {
            if (taken[k] || !ft__text_equal(args->named[k].name->data, args->named[k].name->len,
                                            param->value.as.s->data, param->value.as.s->len))
                continue;
            value = args->named[k].value;
            taken[k] = true;
        }
        if (value.type == FT__JV_MISSING && param->a) {
            r->scope = scope;
            value = ft__jx_eval(r, param->a);
        } else if (value.type == FT__JV_MISSING) {
            char text[128];
            snprintf(text, sizeof text, "parameter '%.*s' was not provided",
                     (int)(param->value.as.s->len < 90 ? param->value.as.s->len : 90), param->value.as.s->data);
            value = ft__jinja_hint(r, text);
        }
        ft__jx_set(r, scope, param->id, value);
    }
}

/* caller, kwargs, varargs: what a macro takes beyond its parameters, if its body names them. */
static void ft__jx_bind_rest(ft__jinja *r, const ft__jnode *node, ft__jscope *scope, const ft__jargs *args,
                             const bool *taken) {
    size_t n_params = 0;
    for (const ft__jnode *param = node->args; param; param = param->next) n_params++;
    ft__jv rest = (node->uses & FT__JUSES_KWARGS) ? ft__jinja_dict(r) : ft__jinja_none();
    ft__jv caller = ft__jinja_none();
    for (size_t k = 0; k < args->n_named && !r->status; k++) {
        const ft__jstr *name = args->named[k].name;
        ft__jv key = ft__jinja_value(FT__JV_STR);
        key.as.s = name;
        if (taken[k]) continue;
        if ((node->uses & FT__JUSES_CALLER) && ft__jinja_same(name, "caller")) caller = args->named[k].value;
        else if (node->uses & FT__JUSES_KWARGS) ft__jinja_dict_set(r, rest.as.dict, key, args->named[k].value);
        else
            ft__jinja_error(r, "the macro takes no keyword argument '%.*s'",
                            (int)(name->len < 100 ? name->len : 100), name->data);
    }
    if ((node->uses & FT__JUSES_CALLER) && caller.type == FT__JV_NONE)
        caller = ft__jinja_hint(r, "No caller defined");
    if (node->uses & FT__JUSES_CALLER) ft__jx_set(r, scope, r->t->id_caller, caller);
    if (node->uses & FT__JUSES_KWARGS) ft__jx_set(r, scope, r->t->id_kwargs, rest);
    size_t more = args->n > n_params ? args->n - n_params : 0;
    if (node->uses & FT__JUSES_VARARGS)
        ft__jx_set(r, scope, r->t->id_varargs,
                   ft__jinja_list(r, FT__JV_TUPLE, more ? args->items + n_params : NULL, more));
    else if (more)
        ft__jinja_error(r, "the macro takes not more than %zu argument(s)", n_params);
}

static ft__jv ft__jx_call_macro(ft__jinja *r, const ft__jmacro *macro, const ft__jargs *args) {
    ft__jscope *outer = r->scope, *scope = ft__jx_new_scope(r, macro->scope);
    bool *taken = (bool *)ft__jinja_alloc(r, args->n_named, sizeof *taken);
    if (!taken || !scope || !ft__jinja_down(r)) return ft__jinja_none();
    ft__jx_bind(r, macro->node, scope, args, taken);
    ft__jx_bind_rest(r, macro->node, scope, args, taken);
    ft__jx_begin(r, scope, &macro->node->missing);
    r->scope = scope;
    size_t start = r->out.len;
    ft__jx_exec(r, macro->node->body);
    r->scope = outer;
    ft__jinja_up(r);
    return ft__jinja_take(r, start);
}

/* ---- loops */

/* Moves on to the next item that passes the loop's `if`; false at the end. */
static bool ft__jx_advance(ft__jinja *r, ft__jloop *loop, ft__jv *item) {
    while (loop->at < loop->n && !r->status) {
        *item = loop->items[loop->at++];
        if (!loop->node->c) return true;
        ft__jscope *inner = r->scope, *scope = ft__jx_new_scope(r, loop->outer);
        if (!scope) return false;
        ft__jx_assign(r, scope, loop->node->a, *item);
        r->scope = scope;
        bool passes = !r->status && ft__jinja_truth(ft__jx_eval(r, loop->node->c));
        r->scope = inner;
        if (passes) return true;
    }
    return false;
}

/* What comes after the current item: looked up when somebody asks, not before. */
static bool ft__jx_peek(ft__jinja *r, ft__jloop *loop) {
    if (loop->after.type == FT__JV_MISSING && !loop->ended) loop->ended = !ft__jx_advance(r, loop, &loop->after);
    if (loop->ended) loop->after = ft__jinja_value(FT__JV_MISSING);
    return !loop->ended;
}

static int64_t ft__jx_loop_length(ft__jinja *r, ft__jloop *loop) {
    if (loop->length >= 0) return loop->length;
    if (!loop->node->c) return loop->length = (int64_t)loop->n;
    /* Jinja takes all the rest at once then */
    ft__jv rest = ft__jinja_generator(r, NULL), item;
    while (!r->status && ft__jx_advance(r, loop, &item)) ft__jinja_generate(r, rest.as.generator, item);
    if (r->status) return 0;
    loop->length = loop->index0 + 1 + (loop->after.type != FT__JV_MISSING) + (int64_t)rest.as.generator->n;
    ft__jnode *plain = (ft__jnode *)ft__jinja_alloc(r, 1, sizeof *plain); /* the same without the `if` */
    if (!plain) return 0;
    *plain = *loop->node;
    plain->c = NULL;
    loop->node = plain;
    loop->items = rest.as.generator->items;
    loop->n = rest.as.generator->n;
    loop->at = 0;
    return loop->length;
}

static ft__jv ft__jx_cycle(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    if (args->n == 0) ft__jinja_error(r, "no items for cycling given");
    return args->n ? args->items[(uint64_t)self.as.loop->index0 % args->n] : self;
}

static ft__jv ft__jx_changed(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    ft__jv now = ft__jinja_list(r, FT__JV_TUPLE, args->items, args->n);
    bool same = self.as.loop->changed.type == FT__JV_TUPLE && ft__jinja_equal(r, now, self.as.loop->changed);
    self.as.loop->changed = now;
    return ft__jinja_bool(!same);
}

static const ft__jrow ft__jx_loop_rows[] = {
    {"cycle", ft__jx_cycle, NULL, 0},
    {"changed", ft__jx_changed, NULL, 0},
};

static ft__jv ft__jx_loop_number(ft__jinja *r, ft__jloop *loop, const ft__jstr *name) {
    if (ft__jinja_same(name, "index0")) return ft__jinja_int(loop->index0);
    if (ft__jinja_same(name, "index")) return ft__jinja_int(loop->index0 + 1);
    if (ft__jinja_same(name, "first")) return ft__jinja_bool(loop->index0 == 0);
    if (ft__jinja_same(name, "last")) return ft__jinja_bool(!ft__jx_peek(r, loop));
    if (ft__jinja_same(name, "length")) return ft__jinja_int(ft__jx_loop_length(r, loop));
    if (ft__jinja_same(name, "revindex")) return ft__jinja_int(ft__jx_loop_length(r, loop) - loop->index0);
    if (ft__jinja_same(name, "revindex0")) return ft__jinja_int(ft__jx_loop_length(r, loop) - loop->index0 - 1);
    if (ft__jinja_same(name, "depth")) return ft__jinja_int(loop->depth0 + 1);
    if (ft__jinja_same(name, "depth0")) return ft__jinja_int(loop->depth0);
    return ft__jinja_undefined(FT__JV_LOOP, name);
}

/* name NULL: the length */
FT__PRIV ft__jv ft__jinja_loop_attr(ft__jinja *r, ft__jloop *loop, const ft__jstr *name) {
    if (!name) return ft__jinja_int(ft__jx_loop_length(r, loop));
    if (ft__jinja_same(name, "previtem"))
        return loop->index0 > 0 ? loop->before : ft__jinja_hint(r, "there is no previous item");
    if (ft__jinja_same(name, "nextitem"))
        return ft__jx_peek(r, loop) ? loop->after : ft__jinja_hint(r, "there is no next item");
    for (size_t i = 0; i < FT__COUNT(ft__jx_loop_rows); i++) {
        if (!ft__jinja_same(name, ft__jx_loop_rows[i].name)) continue;
        ft__jmethod *method = (ft__jmethod *)ft__jinja_alloc(r, 1, sizeof *method);
        if (!method) return ft__jinja_none();
        method->row = &ft__jx_loop_rows[i];
        method->self = ft__jinja_value(FT__JV_LOOP);
        method->self.as.loop = loop;
        ft__jv v = ft__jinja_value(FT__JV_METHOD);
        v.as.method = method;
        return v;
    }
    return ft__jx_loop_number(r, loop, name);
}

/* One turn: a scope of its own, which is used again for the next one unless a macro holds on to it. */
static ft__jflow ft__jx_turn(ft__jinja *r, ft__jloop *loop, ft__jv item) {
    const ft__jnode *node = loop->node;
    ft__jv self = ft__jinja_value(FT__JV_LOOP);
    if (!loop->scope || loop->scope->captured) loop->scope = ft__jx_new_scope(r, loop->outer);
    if (!loop->scope) return FT__JFLOW_BREAK;
    loop->scope->n = 0;
    loop->index0++;
    loop->before = loop->current;
    loop->current = item;
    self.as.loop = loop;
    ft__jx_set(r, loop->scope, r->t->id_loop, self);
    ft__jx_assign(r, loop->scope, node->a, item);
    ft__jx_begin(r, loop->scope, &node->missing);
    r->scope = loop->scope;
    return ft__jx_exec(r, node->body);
}

static void ft__jx_run_loop(ft__jinja *r, const ft__jnode *node, ft__jscope *outer, ft__jv over, int depth0,
                            ft__jflow *flow) {
    ft__jloop *loop = (ft__jloop *)ft__jinja_alloc(r, 1, sizeof *loop);
    ft__jscope *before = r->scope;
    ft__jv item = ft__jinja_none();
    if (!loop || !ft__jinja_iterate(r, over, &loop->items, &loop->n)) return;
    loop->node = node;
    loop->index0 = loop->length = -1;
    loop->depth0 = depth0;
    loop->outer = outer;
    while (!r->status) {
        if (loop->after.type != FT__JV_MISSING) item = loop->after;
        else if (loop->ended || !ft__jx_advance(r, loop, &item)) break;
        loop->after = ft__jinja_value(FT__JV_MISSING);
        if (ft__jx_turn(r, loop, item) == FT__JFLOW_BREAK) break;
    }
    r->scope = before;
    if (loop->index0 >= 0 || !node->other || r->status) return;
    r->scope = ft__jx_new_scope(r, outer);
    if (r->scope) ft__jx_begin(r, r->scope, &node->other_missing);
    if (r->scope) *flow = ft__jx_exec(r, node->other);
    r->scope = before;
}

/* loop(items) in a recursive loop: the loop again over those, as text. */
static ft__jv ft__jx_call_loop(ft__jinja *r, ft__jloop *loop, const ft__jargs *args) {
    ft__jflow flow = FT__JFLOW_ON;
    size_t start = r->out.len;
    if (!loop->node->flag) ft__jinja_error(r, "the loop must have the 'recursive' marker to be called recursively");
    else if (args->n != 1 || args->n_named) ft__jinja_error(r, "loop() takes one argument");
    if (r->status || !ft__jinja_down(r)) return ft__jinja_none();
    ft__jx_run_loop(r, loop->node, loop->outer, args->items[0], loop->depth0 + 1, &flow);
    ft__jinja_up(r);
    return ft__jinja_take(r, start);
}

static ft__jv ft__jx_call_value(ft__jinja *r, ft__jv callee, const ft__jargs *args) {
    if (r->status) return callee;
    switch (callee.type) {
    case FT__JV_FUNCTION: return ft__jinja_call_row(r, callee.as.row, callee, args);
    case FT__JV_METHOD: return ft__jinja_call_row(r, callee.as.method->row, callee.as.method->self, args);
    case FT__JV_MACRO: return ft__jx_call_macro(r, callee.as.macro, args);
    case FT__JV_LOOP: return ft__jx_call_loop(r, callee.as.loop, args);
    case FT__JV_UNDEFINED: ft__jinja_fail_undefined(r, callee); return callee;
    default: ft__jinja_error(r, "'%s' object is not callable", ft__jinja_type_name(callee)); return callee;
    }
}

/* ---- expressions */

static ft__jv ft__jx_elements(ft__jinja *r, const ft__jnode *node) {
    size_t n = 0, i = 0;
    for (const ft__jnode *one = node->args; one; one = one->next) n++;
    ft__jv *items = (ft__jv *)ft__jinja_alloc(r, n, sizeof *items);
    for (const ft__jnode *one = node->args; one && items; one = one->next) items[i++] = ft__jx_eval(r, one);
    return ft__jinja_list(r, node->kind == FT__JN_LIST ? FT__JV_LIST : FT__JV_TUPLE, items, n);
}

static ft__jv ft__jx_dict(ft__jinja *r, const ft__jnode *node) {
    ft__jv dict = ft__jinja_dict(r);
    for (const ft__jnode *pair = node->args; pair && !r->status; pair = pair->next) {
        ft__jv key = ft__jx_eval(r, pair->a), value = ft__jx_eval(r, pair->b);
        ft__jinja_dict_set(r, dict.as.dict, key, value);
    }
    return dict;
}

static ft__jv ft__jx_slice(ft__jinja *r, const ft__jnode *node) {
    const ft__jnode *slice = node->b;
    ft__jv v = ft__jx_eval(r, node->a);
    ft__jv start = slice->a ? ft__jx_eval(r, slice->a) : ft__jinja_none();
    ft__jv stop = slice->b ? ft__jx_eval(r, slice->b) : ft__jinja_none();
    ft__jv step = slice->c ? ft__jx_eval(r, slice->c) : ft__jinja_none();
    return r->status ? v : ft__jinja_slice(r, v, start, stop, step);
}

static ft__jv ft__jx_call(ft__jinja *r, const ft__jnode *node, const ft__jv *caller) {
    ft__jv callee = ft__jx_eval(r, node->a);
    if (r->status) return callee;
    ft__jargs args = ft__jx_args(r, node->args, caller);
    return ft__jx_call_value(r, callee, &args);
}

static ft__jv ft__jx_filter_or_test(ft__jinja *r, const ft__jnode *node) {
    ft__jv v = node->a ? ft__jx_eval(r, node->a) : r->block_value;
    if (!node->row) {
        const ft__jstr *s = node->value.as.s;
        ft__jinja_fail(r, FT_ERR_UNSUPPORTED, "there is no %s named '%.*s'",
                       node->kind == FT__JN_TEST ? "test" : "filter",
                       (int)(s->len < 100 ? s->len : 100), s->data);
    }
    if (r->status) return v;
    ft__jargs args = ft__jx_args(r, node->args, NULL);
    return ft__jinja_call_row(r, node->row, v, &args);
}

static bool ft__jx_compare_one(ft__jinja *r, int op, ft__jv a, ft__jv b) {
    char text[3] = {(char)(op < 256 ? op : op / 256), (char)(op < 256 ? 0 : op % 256), 0};
    int order;
    switch (op) {
    case FT__JO_EQ: return ft__jinja_equal(r, a, b);
    case FT__JO_NE: return !ft__jinja_equal(r, a, b);
    case FT__JO_IN: return ft__jinja_contains(r, a, b);
    case FT__JO_NOT_IN: return !ft__jinja_contains(r, a, b);
    default: break;
    }
    order = ft__jinja_compare(r, a, b, text);
    if (order == 2) return false;
    return op == '<' ? order < 0 : op == '>' ? order > 0 : op == FT__JO_LE ? order <= 0 : order >= 0;
}

static ft__jv ft__jx_compare(ft__jinja *r, const ft__jnode *node) {
    ft__jv left = ft__jx_eval(r, node->a);
    for (const ft__jnode *operand = node->args; operand && !r->status; operand = operand->next) {
        ft__jv right = ft__jx_eval(r, operand->a);
        if (r->status || !ft__jx_compare_one(r, operand->op, left, right)) return ft__jinja_bool(false);
        left = right;
    }
    return ft__jinja_bool(true);
}

static ft__jv ft__jx_concat(ft__jinja *r, const ft__jnode *node) {
    ft__jv all = ft__jinja_to_str(r, ft__jx_eval(r, node->args));
    all.flag = 0;
    for (const ft__jnode *one = node->args->next; one && !r->status; one = one->next) {
        ft__jv next = ft__jx_eval(r, one);
        if (!r->status) next = ft__jinja_to_str(r, next);
        next.flag = 0;
        if (!r->status) all = ft__jinja_concat(r, all, next);
    }
    return all;
}

static ft__jv ft__jx_cond(ft__jinja *r, const ft__jnode *node) {
    bool yes = ft__jinja_truth(ft__jx_eval(r, node->b));
    if (r->status || yes) return r->status ? ft__jinja_none() : ft__jx_eval(r, node->a);
    if (node->c) return ft__jx_eval(r, node->c);
    return ft__jinja_hint(r, "the inline if-expression evaluated to false and no else section was defined");
}

static ft__jv ft__jx_sign(ft__jinja *r, const ft__jnode *node) {
    ft__jv v = ft__jx_eval(r, node->a);
    if (r->status) return v;
    if (v.type == FT__JV_UNDEFINED) ft__jinja_fail_undefined(r, v);
    else if (!ft__jinja_is_number(v))
        ft__jinja_error(r, "bad operand type for unary %c: '%s'", node->kind == FT__JN_NEG ? '-' : '+',
                        ft__jinja_type_name(v));
    if (node->kind == FT__JN_NEG) return r->status ? v : ft__jinja_negate(r, v);
    if (v.type == FT__JV_BOOL) v.type = FT__JV_INT;
    return v;
}

static ft__jv ft__jx_eval_kind(ft__jinja *r, const ft__jnode *node) {
    ft__jv a, b;
    switch ((ft__jnode_kind)node->kind) {
    case FT__JN_CONST: return node->value;
    case FT__JN_NAME: return ft__jx_lookup(r, node->id);
    case FT__JN_LIST:
    case FT__JN_TUPLE: return ft__jx_elements(r, node);
    case FT__JN_DICT: return ft__jx_dict(r, node);
    case FT__JN_ATTR: return ft__jinja_attr(r, ft__jx_eval(r, node->a), node->value.as.s);
    case FT__JN_ITEM:
        if (node->b->kind == FT__JN_SLICE) return ft__jx_slice(r, node);
        a = ft__jx_eval(r, node->a);
        b = ft__jx_eval(r, node->b);
        return ft__jinja_item(r, a, b);
    case FT__JN_CALL: return ft__jx_call(r, node, NULL);
    case FT__JN_FILTER:
    case FT__JN_TEST: return ft__jx_filter_or_test(r, node);
    case FT__JN_NOT: return ft__jinja_bool(!ft__jinja_truth(ft__jx_eval(r, node->a)));
    case FT__JN_AND:
        a = ft__jx_eval(r, node->a);
        return ft__jinja_truth(a) ? ft__jx_eval(r, node->b) : a;
    case FT__JN_OR:
        a = ft__jx_eval(r, node->a);
        return ft__jinja_truth(a) ? a : ft__jx_eval(r, node->b);
    case FT__JN_COND: return ft__jx_cond(r, node);
    case FT__JN_COMPARE: return ft__jx_compare(r, node);
    case FT__JN_BINARY:
        a = ft__jx_eval(r, node->a);
        b = ft__jx_eval(r, node->b);
        return ft__jinja_binary(r, node->op, a, b);
    case FT__JN_CONCAT: return ft__jx_concat(r, node);
    case FT__JN_NEG:
    case FT__JN_POS: return ft__jx_sign(r, node);
    default: return ft__jinja_none();
    }
}

/* The first node to come back with an error is the innermost: its line is the one to name. */
static ft__jv ft__jx_eval(ft__jinja *r, const ft__jnode *node) {
    if (!ft__jinja_work(r, 1) || !ft__jinja_down(r)) return ft__jinja_undefined(FT__JV_MISSING, NULL);
    ft__jv v = ft__jx_eval_kind(r, node);
    ft__jinja_up(r);
    if (r->status && !r->line) r->line = node->line;
    return v;
}

/* ---- statements */

static ft__jv ft__jx_macro(ft__jinja *r, const ft__jnode *node) {
    ft__jmacro *macro = (ft__jmacro *)ft__jinja_alloc(r, 1, sizeof *macro);
    if (!macro) return ft__jinja_none();
    macro->node = node;
    macro->scope = r->scope;
    for (ft__jscope *scope = r->scope; scope; scope = scope->parent) scope->captured = true;
    ft__jv v = ft__jinja_value(FT__JV_MACRO);
    v.as.macro = macro;
    return v;
}

/* The text of a body in a scope of its own, through the block's filters. */
static ft__jv ft__jx_block(ft__jinja *r, const ft__jnode *node, ft__jflow *flow) {
    ft__jscope *outer = r->scope, *scope = ft__jx_new_scope(r, outer);
    size_t start = r->out.len;
    if (!scope) return ft__jinja_none();
    ft__jx_begin(r, scope, &node->missing);
    r->scope = scope;
    *flow = ft__jx_exec(r, node->body);
    ft__jv text = ft__jinja_take(r, start);
    if (node->b && !r->status && *flow == FT__JFLOW_ON) {
        ft__jv before = r->block_value;
        r->block_value = text;
        text = ft__jx_eval(r, node->b);
        r->block_value = before;
    }
    r->scope = outer;
    return text;
}

static ft__jflow ft__jx_with(ft__jinja *r, const ft__jnode *node) {
    ft__jscope *outer = r->scope, *scope = ft__jx_new_scope(r, outer);
    ft__jflow flow = FT__JFLOW_ON;
    for (const ft__jnode *set = node->args; set && !r->status; set = set->next)
        ft__jx_assign(r, scope, set->a, ft__jx_eval(r, set->b));
    if (!r->status) ft__jx_begin(r, scope, &node->missing);
    r->scope = scope;
    if (!r->status) flow = ft__jx_exec(r, node->body);
    r->scope = outer;
    return flow;
}

static ft__jflow ft__jx_if(ft__jinja *r, const ft__jnode *node) {
    while (!r->status) {
        bool yes = ft__jinja_truth(ft__jx_eval(r, node->a));
        if (r->status) break;
        if (yes) return ft__jx_exec(r, node->body);
        if (!node->other || node->other->kind != FT__JN_IF || node->other->next) return ft__jx_exec(r, node->other);
        node = node->other; /* elif, or an `if` alone in its else: the same */
    }
    return FT__JFLOW_ON;
}

static ft__jflow ft__jx_exec_kind(ft__jinja *r, const ft__jnode *node) {
    ft__jflow flow = FT__JFLOW_ON;
    ft__jscope *outer = r->scope;
    ft__jv v;
    switch ((ft__jnode_kind)node->kind) {
    case FT__JN_TEXT: ft__jinja_put(r, node->value.as.s->data, node->value.as.s->len); break;
    case FT__JN_PRINT:
        for (const ft__jnode *one = node->args; one && !r->status; one = one->next) {
            v = ft__jx_eval(r, one);
            if (!r->status) ft__jinja_put_value(r, v);
        }
        break;
    case FT__JN_IF: return ft__jx_if(r, node);
    case FT__JN_FOR:
        v = ft__jx_eval(r, node->b);
        if (!r->status) ft__jx_run_loop(r, node, outer, v, 0, &flow);
        break;
    case FT__JN_SET: ft__jx_assign(r, outer, node->a, ft__jx_eval(r, node->b)); break;
    case FT__JN_SET_BLOCK:
        v = ft__jx_block(r, node, &flow);
        if (flow == FT__JFLOW_ON) ft__jx_assign(r, outer, node->a, v);
        break;
    case FT__JN_FILTER_BLOCK:
        v = ft__jx_block(r, node, &flow);
        if (flow == FT__JFLOW_ON && !r->status) ft__jinja_put_value(r, v);
        break;
    case FT__JN_MACRO: ft__jx_set(r, outer, node->id, ft__jx_macro(r, node)); break;
    case FT__JN_CALL_BLOCK:
        v = ft__jx_macro(r, node);
        v = ft__jx_call(r, node->a, &v);
        if (!r->status) ft__jinja_put_value(r, v);
        break;
    case FT__JN_SCOPE:
        r->scope = ft__jx_new_scope(r, outer);
        if (r->scope) ft__jx_begin(r, r->scope, &node->missing);
        if (r->scope) ft__jx_exec(r, node->body);
        r->scope = outer;
        break;
    case FT__JN_WITH: return ft__jx_with(r, node);
    case FT__JN_BREAK: return FT__JFLOW_BREAK;
    case FT__JN_CONTINUE: return FT__JFLOW_CONTINUE;
    default: break;
    }
    return flow;
}

static ft__jflow ft__jx_exec(ft__jinja *r, const ft__jnode *list) {
    ft__jflow flow = FT__JFLOW_ON;
    if (!ft__jinja_down(r)) return flow;
    for (; list && flow == FT__JFLOW_ON && ft__jinja_work(r, 1); list = list->next) {
        flow = ft__jx_exec_kind(r, list);
        if (r->status && !r->line) r->line = list->line;
    }
    ft__jinja_up(r);
    return flow;
}

/* ---- one rendering */

FT__PRIV void ft__jinja_init(ft__jinja *r, const ft_template *t, const char *now, const ft__jlimits *limit) {
    static const ft__jlimits standard = {50000000, (size_t)1 << 29, (size_t)1 << 26, FT__JINJA_DEPTH};
    memset(r, 0, sizeof *r);
    r->t = t;
    r->now = now;
    r->limit = limit ? *limit : standard;
    ft__arena_init(&r->arena, &t->allocator);
    ft__buf_init(&r->out, &t->allocator);
}

FT__PRIV void ft__jinja_done(ft__jinja *r) {
    ft__buf_free(&r->out);
    ft__arena_free(&r->arena);
}

static void ft__jx_variable(ft__jinja *r, const char *name, size_t n, const ft__json *value) {
    ft__jstr key = {name, n, n, NULL};
    const ft__jv *id = ft__jinja_dict_name(r->t->ids, &key);
    if (id) r->context[id->as.i] = value ? ft__jinja_from_json(r, value) : ft__jinja_none();
}

/* Only variables that the template names are made into values. */
FT__PRIV ft_status ft__jinja_run(ft__jinja *r, const ft__json *input) {
    r->context = (ft__jv *)ft__jinja_alloc(r, r->t->n_names, sizeof *r->context);
    r->scope = ft__jx_new_scope(r, NULL);
    if (r->status) return r->status;
    ft__jx_variable(r, "tools", 5, NULL);
    ft__jx_variable(r, "documents", 9, NULL);
    for (const ft__json *m = input->child; m && !r->status; m = m->next) ft__jx_variable(r, m->key, m->key_len, m);
    if (!r->status) ft__jx_begin(r, r->scope, &r->t->missing);
    ft__jx_exec(r, r->t->body);
    return r->status;
}
