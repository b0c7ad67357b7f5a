/* What a name means is settled before a template runs, as in Jinja: a scope whose first mention of a name is
   `set` owns it, from the beginning and without a value, even where the caller gave a variable of that name.

       {% for m in messages %}{{ date }}{% endfor %}{% set date = "today" %}

   prints nothing in the loop.  A name that is read first, or set in a branch, is looked up outside as long
   as it is not set here.  So each scope gets a list of names to begin with as missing; all else follows from
   looking them up at run time.

   A scope's own statements are looked at before the scopes inside it.  Names seen are kept in one table with a
   log of what was added, so that leaving a scope is as cheap as what was in it. */
#include "jinja.h"

typedef struct ft__jscan {
    ft__jinja *r;
    bool *seen;        /* (n_names) mentioned in this scope or in one around it */
    uint32_t *log;     /* (n_names) those, in the order they were seen */
    size_t n_log;
    uint32_t *missing; /* (n_names) of the scope at hand */
    size_t n_missing;
    int branches;
} ft__jscan;

static void ft__jscan_see(ft__jscan *s, uint32_t id) {
    if (s->seen[id]) return;
    s->seen[id] = true;
    s->log[s->n_log++] = id;
}

static void ft__jscan_store(ft__jscan *s, uint32_t id) {
    if (!s->seen[id] && s->branches == 0) s->missing[s->n_missing++] = id;
    ft__jscan_see(s, id);
}

/* ---- one scope's own statements */

static void ft__jscan_loads(ft__jscan *s, const ft__jnode *node);

static void ft__jscan_list(ft__jscan *s, const ft__jnode *list) {
    for (; list; list = list->next) ft__jscan_loads(s, list);
}

/* Names that an expression reads. */
static void ft__jscan_loads(ft__jscan *s, const ft__jnode *node) {
    if (!node || !ft__jinja_down(s->r)) return;
    if (node->kind == FT__JN_NAME || node->kind == FT__JN_NSREF) ft__jscan_see(s, node->id);
    ft__jscan_loads(s, node->a);
    ft__jscan_loads(s, node->b);
    ft__jscan_loads(s, node->c);
    ft__jscan_list(s, node->args);
    ft__jinja_up(s->r);
    if (s->r->status && !s->r->line) s->r->line = node->line;
}

static void ft__jscan_target(ft__jscan *s, const ft__jnode *node, bool param) {
    if (node->kind == FT__JN_NAME && !param) ft__jscan_store(s, node->id);
    else if (node->kind == FT__JN_NAME || node->kind == FT__JN_NSREF) ft__jscan_see(s, node->id);
    for (const ft__jnode *one = node->args; one; one = one->next) ft__jscan_target(s, one, param);
}

static void ft__jscan_own(ft__jscan *s, const ft__jnode *list) {
    for (; list && !s->r->status; list = list->next) {
        switch ((ft__jnode_kind)list->kind) {
        case FT__JN_PRINT: ft__jscan_list(s, list->args); break;
        case FT__JN_IF:
            s->branches++;
            for (const ft__jnode *branch = list; branch;) {
                const ft__jnode *other = branch->other;
                bool more = other && other->kind == FT__JN_IF && !other->next;
                ft__jscan_loads(s, branch->a);
                ft__jscan_own(s, branch->body);
                if (!more) ft__jscan_own(s, other);
                branch = more ? other : NULL;
            }
            s->branches--;
            break;
        case FT__JN_SET:
            ft__jscan_loads(s, list->b);
            ft__jscan_target(s, list->a, false);
            break;
        case FT__JN_SET_BLOCK: ft__jscan_target(s, list->a, false); break;
        case FT__JN_MACRO: ft__jscan_store(s, list->id); break;
        case FT__JN_FOR:
        case FT__JN_FILTER_BLOCK: ft__jscan_loads(s, list->b); break;
        case FT__JN_CALL_BLOCK: ft__jscan_loads(s, list->a); break;
        case FT__JN_WITH:
            for (const ft__jnode *set = list->args; set; set = set->next) ft__jscan_loads(s, set->b);
            break;
        default: break;
        }
    }
}

/* ---- scopes in scopes */

static void ft__jscan_inside(ft__jscan *s, ft__jnode *list);

/* A scope from here on; its parameters were seen already. */
static void ft__jscan_scope(ft__jscan *s, ft__jnode *list, ft__jmissing *missing) {
    int branches = s->branches;
    s->branches = 0;
    s->n_missing = 0;
    ft__jscan_own(s, list);
    s->branches = branches;
    uint32_t *ids = s->n_missing ? (uint32_t *)ft__jinja_alloc(s->r, s->n_missing, sizeof *ids) : NULL;
    if (ids) {
        memcpy(ids, s->missing, s->n_missing * sizeof *ids);
        missing->ids = ids;
        missing->n = (uint32_t)s->n_missing;
    }
    ft__jscan_inside(s, list);
}

static void ft__jscan_leave(ft__jscan *s, size_t n_log) {
    while (s->n_log > n_log) s->seen[s->log[--s->n_log]] = false;
}

static void ft__jscan_node(ft__jscan *s, ft__jnode *node) {
    size_t n_log = s->n_log;
    if (node->kind == FT__JN_IF) {
        for (; node; node = node->other && node->other->kind == FT__JN_IF &&
             !node->other->next ? node->other : NULL) {
            ft__jscan_inside(s, node->body);
            if (!node->other || node->other->kind != FT__JN_IF || node->other->next)
                ft__jscan_inside(s, node->other);
        }
        return;
    }
    if (node->kind == FT__JN_FOR) ft__jscan_target(s, node->a, true);
    if (node->kind == FT__JN_WITH)
        for (ft__jnode *set = node->args; set; set = set->next) ft__jscan_target(s, set->a, true);
    if (node->kind == FT__JN_MACRO || node->kind == FT__JN_CALL_BLOCK) {
        for (const ft__jnode *param = node->args; param; param = param->next) ft__jscan_see(s, param->id);
        for (const ft__jnode *param = node->args; param; param = param->next) ft__jscan_loads(s, param->a);
    }
    if (node->body) ft__jscan_scope(s, node->body, &node->missing);
    ft__jscan_leave(s, n_log);
    if (node->kind == FT__JN_FOR && node->other) {
        ft__jscan_scope(s, node->other, &node->other_missing);
        ft__jscan_leave(s, n_log);
    }
}

static void ft__jscan_inside(ft__jscan *s, ft__jnode *list) {
    if (!ft__jinja_down(s->r)) return;
    for (; list && !s->r->status; list = list->next)
        if (list->body) ft__jscan_node(s, list);
    ft__jinja_up(s->r);
}

FT__PRIV void ft__jinja_scan(ft__jinja *r, ft_template *t) {
    ft__jscan s;
    memset(&s, 0, sizeof s);
    s.r = r;
    s.seen = (bool *)ft__jinja_alloc(r, t->n_names, sizeof *s.seen);
    s.log = (uint32_t *)ft__jinja_alloc(r, t->n_names, sizeof *s.log);
    s.missing = (uint32_t *)ft__jinja_alloc(r, t->n_names, sizeof *s.missing);
    if (!r->status) ft__jscan_scope(&s, t->body, &t->missing);
}
