/* Trajectories: the steps that an output takes, against those that the row expects; and the
   checklist of a task.

   The steps of an output are its tool calls (toolcall_read.c), or, if it makes none, the names in a
   JSON list of strings.  The expected ones are in the row's "expected_tools" or in another field,
   which may also be a list of names.  Steps agree if their names do, or (parameter "arguments") if
   the arguments are right, too, as toolcall.c compares them.  With n expected steps and m taken, c
   of them in the best one-to-one pairing, and l in the longest one that keeps the order on both
   sides:

     trajectory        1 or 0, by mode:
                       strict      l = n = m       the same steps in the same order
                       unordered   c = n = m       ... in any order
                       subset      c = m           nothing but expected steps
                       superset    c = n           all of them, and perhaps others
                       in_order    l = n           ... in their order
                       (the first four as LangChain's agentevals defines them; strict, superset and
                       in_order are EXACT, ANY_ORDER and IN_ORDER of Google's ADK)
     trajectory_edit   1 - Levenshtein distance / max(n, m)
     step_efficiency   min(1, n / m); 0 unless c = n
     trajectory_loops  share of steps that repeat an earlier one, arguments and all; lower is better
     trajectory_score  mean of precision c / m, recall c / n, order l / c, and step_efficiency

   Deviation from all of them: no step where some are expected is 0, never 1 (agentevals' subset),
   and so is any step where none is expected (its superset).  None and none is 1.

   task_completion is the share, by weight, of the items of the row's "checklist" that are met:

     "text" or {"contains": "text"}    it is in the output, but for case and kind of white space
     {"any": ["text", ...]}            one of them is
     {"not": "text"}                   it is not, and the output is not blank
     {"regex": "pattern"}              it matches somewhere
     {"tool": "name"}                  the output calls it
     {"field": "a.b", "equals": value} the output's JSON (or the first in its prose) has this there

   each, if an object, with a "weight" (1).

   trajectory_edit and the pairings take time n m and more, which is bounded by an error for too
   many steps (see ft__tool_credits). */
#include "eval.h"

enum {
    FT__TRAJECTORY_MATCH, FT__TRAJECTORY_EDIT, FT__TRAJECTORY_EFFICIENCY, FT__TRAJECTORY_SCORE
};

enum {
    FT__TRAJECTORY_STRICT, FT__TRAJECTORY_UNORDERED, FT__TRAJECTORY_SUBSET,
    FT__TRAJECTORY_SUPERSET, FT__TRAJECTORY_IN_ORDER
};

typedef struct ft__trajectory_options {
    const char *field;
    bool arguments, exact_texts;
    int mode;
} ft__trajectory_options;

static ft_status ft__trajectory_prepare(ft_evaluator *e, ft_error *err) {
    static const char *const modes[] = {"strict", "unordered", "subset", "superset", "in_order"};
    static const char *const texts[] = {"bfcl", "exact"};
    int index = 0;
    ft__trajectory_options *o =
        (ft__trajectory_options *)ft__arena_alloc(&e->arena, 1, sizeof *o);
    if (!o) return ft__fail_memory(err);
    e->state = o;
    o->field = ft__param(e, "field")->text;
    o->arguments = ft__param_flag(e, "arguments");
    ft_status status = ft__param_choice(e, "texts", texts, FT__COUNT(texts), &index, err);
    o->exact_texts = index == 1;
    if (!status && e->kind->which == FT__TRAJECTORY_MATCH)
        status = ft__param_choice(e, "mode", modes, FT__COUNT(modes), &o->mode, err);
    return status;
}

/* ---- steps */

/* The names in a list of strings. */
static void ft__trajectory_names(ft__view output, ft__arena *arena, ft__tool_calls *steps) {
    ft__view found;
    ft__json *list;
    if (!ft__extract_json(output, 0, &found) || *found.text != '[' ||
        ft__json_parse(found.text, found.n, "", 1, arena, &list, NULL))
        return;
    for (const ft__json *v = list->child; v; v = v->next)
        if (v->type != FT__JSON_STRING) return;
    steps->items = (ft__tool_call *)ft__arena_alloc(arena, list->count, sizeof *steps->items);
    if (!steps->items) return;
    for (const ft__json *v = list->child; v; v = v->next) {
        ft__tool_call *step = &steps->items[steps->n++];
        step->name = ft__json_view(v);
        step->begin = (size_t)(found.text - output.text);
        step->end = step->begin + found.n;
    }
}

static bool ft__trajectory_steps(ft__view output, ft__arena *arena, ft__tool_calls *steps) {
    if (ft__tool_calls_read(output, arena, steps) && steps->n == 0)
        ft__trajectory_names(output, arena, steps);
    return !arena->failed;
}

/* What all the formulas are made of. */
typedef struct ft__trajectory_case {
    ft__arena arena;
    ft__tool_rules rules;
    ft__tool_calls expected, taken;
    double *agree;     /* (n, m): 1 or 0 */
    int *pair;         /* (n) */
    size_t common;     /* c */
    size_t in_order;   /* l */
} ft__trajectory_case;

static size_t ft__trajectory_pair(ft__trajectory_case *c, bool ordered) {
    size_t count = 0;
    if (!ft__pair_best(c->agree, c->expected.n, c->taken.n, ordered, &c->arena, c->pair)) return 0;
    for (size_t i = 0; i < c->expected.n; i++) count += c->pair[i] >= 0;
    return count;
}

/* False: there is an error in the score, or no memory. */
static bool ft__trajectory_read(ft__trajectory_case *c, const ft__trajectory_options *o,
                                const ft_row *row, ft__view output, ft_score *score) {
    c->rules.arena = &c->arena;
    c->rules.exact_texts = o->exact_texts;
    c->rules.only_names = !o->arguments;
    if (!ft__tool_calls_expected(row, o->field, &c->arena, &c->expected, score) ||
        !ft__tools_of_row(row, &c->expected, &c->rules.tools, score) ||
        !ft__trajectory_steps(output, &c->arena, &c->taken))
        return false;
    c->agree = ft__tool_credits(&c->rules, &c->expected, &c->taken, score);
    c->pair = (int *)ft__arena_alloc(&c->arena, c->expected.n, sizeof *c->pair);
    if (!c->agree || !c->pair) return false;
    for (size_t i = 0; i < c->expected.n * c->taken.n; i++) c->agree[i] = c->agree[i] == 1;
    c->in_order = ft__trajectory_pair(c, true);
    c->common = ft__trajectory_pair(c, false); /* these pairs stay, for the reader */
    return !c->arena.failed;
}

/* ---- formulas */

static bool ft__trajectory_matches(const ft__trajectory_case *c, int mode) {
    size_t n = c->expected.n, m = c->taken.n;
    switch (mode) {
    case FT__TRAJECTORY_STRICT: return n == m && c->in_order == n;
    case FT__TRAJECTORY_UNORDERED: return n == m && c->common == n;
    case FT__TRAJECTORY_SUBSET: return c->common == m;
    case FT__TRAJECTORY_SUPERSET: return c->common == n;
    default: return c->in_order == n;
    }
}

/* V. Levenshtein, 1966; one row of the table at a time. */
static double ft__trajectory_edit(ft__trajectory_case *c) {
    size_t n = c->expected.n, m = c->taken.n;
    size_t *row = (size_t *)ft__arena_alloc(&c->arena, m + 1, sizeof *row);
    if (!row) return 0;
    for (size_t j = 0; j <= m; j++) row[j] = j;
    for (size_t i = 0; i < n; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < m; j++) {
            size_t cost = diagonal + (c->agree[i * m + j] != 1);
            diagonal = row[j + 1];
            if (cost > row[j] + 1) cost = row[j] + 1;
            if (cost > diagonal + 1) cost = diagonal + 1;
            row[j + 1] = cost;
        }
    }
    return 1 - (double)row[m] / (double)(n > m ? n : m);
}

static double ft__trajectory_efficiency(const ft__trajectory_case *c) {
    if (c->common < c->expected.n) return 0;
    return (double)c->expected.n / (double)c->taken.n; /* never above 1: all of them are there */
}

static double ft__trajectory_mean(const ft__trajectory_case *c) {
    double common = (double)c->common;
    double precision = common / (double)c->taken.n, recall = common / (double)c->expected.n;
    double order = c->common ? (double)c->in_order / common : 0;
    return (precision + recall + order + ft__trajectory_efficiency(c)) / 4;
}

/* The first step that is missing or too much; or else they are all there, but not in order. */
static void ft__trajectory_explain(ft__trajectory_case *c, ft_score *score) {
    char name[64];
    size_t n = c->expected.n, m = c->taken.n;
    bool *paired = (bool *)ft__arena_alloc(&c->arena, m, sizeof *paired);
    if (!paired) return;
    for (size_t i = 0; i < n; i++) {
        if (c->pair[i] >= 0) paired[c->pair[i]] = true;
        else if (!score->detail[0])
            ft__score_detail(score, "step %zu of %zu, %s, is missing", i + 1, n,
                             ft__text_excerpt(c->expected.items[i].name, name));
    }
    for (size_t j = 0; j < m; j++) {
        const ft__tool_call *step = &c->taken.items[j];
        if (paired[j]) continue;
        ft__score_span(score, step->begin, step->end, "step");
        if (!score->detail[0])
            ft__score_detail(score, "step %zu of the output, %s, is not expected", j + 1,
                             ft__text_excerpt(step->name, name));
    }
    if (!score->detail[0]) ft__score_detail(score, "the steps are in another order");
}

static void ft__trajectory_judge(ft__trajectory_case *c, const ft_evaluator *e, ft_score *score) {
    const ft__trajectory_options *o = (const ft__trajectory_options *)e->state;
    int which = e->kind->which;
    if (c->expected.n == 0 || c->taken.n == 0) score->value = c->expected.n == c->taken.n;
    else if (which == FT__TRAJECTORY_MATCH) score->value = ft__trajectory_matches(c, o->mode);
    else if (which == FT__TRAJECTORY_EDIT) score->value = ft__trajectory_edit(c);
    else if (which == FT__TRAJECTORY_SCORE) score->value = ft__trajectory_mean(c);
    else score->value = ft__trajectory_efficiency(c);
    if (score->value < 1) ft__trajectory_explain(c, score);
}

static bool ft__trajectory_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                                 ft_score *score) {
    ft__trajectory_case c;
    memset(&c, 0, sizeof c);
    ft__arena_init(&c.arena, &e->arena.allocator);
    if (ft__trajectory_read(&c, (const ft__trajectory_options *)e->state, row, output, score))
        ft__trajectory_judge(&c, e, score);
    bool ok = !c.arena.failed;
    ft__arena_free(&c.arena);
    return ok;
}

/* ---- loops */

typedef struct ft__trajectory_member {
    const ft__json *value;
    size_t index;
} ft__trajectory_member;

static int ft__trajectory_order(const void *a, const void *b) {
    const ft__trajectory_member *x = (const ft__trajectory_member *)a;
    const ft__trajectory_member *y = (const ft__trajectory_member *)b;
    int order = ft__json_compare_keys(x->value, y->value);
    if (order) return order;
    return x->index < y->index ? -1 : x->index > y->index;
}

static void ft__trajectory_spell_text(ft__buf *out, ft__view text) {
    ft__buf_printf(out, "%zu:", text.n);
    ft__buf_add(out, text.text, text.n);
}

/* A value in one spelling only: members sorted, numbers by value (from 2^53 on, where several integers
   are one double, as they are written).  Tool calls are not nested deeply. */
static void ft__trajectory_spell(const ft__json *v, ft__arena *arena, ft__buf *out) {
    const double most = 9007199254740992.0; /* 2^53 */
    char number[32];
    ft__buf_byte(out, "nftdsao"[v->type]);
    if (v->type == FT__JSON_NUMBER && v->number > -most && v->number < most)
        ft__buf_add(out, number, ft__number_write(v->number + 0.0, number)); /* -0 is 0 */
    else if (v->type == FT__JSON_NUMBER) ft__trajectory_spell_text(out, ft__json_view(v));
    if (v->type == FT__JSON_STRING) ft__trajectory_spell_text(out, ft__json_view(v));
    if (!v->child) return;
    ft__trajectory_member *members =
        (ft__trajectory_member *)ft__arena_alloc(arena, v->count, sizeof *members);
    size_t n = 0;
    if (!members) return;
    for (const ft__json *m = v->child; m; m = m->next) {
        members[n].value = m;
        members[n].index = n;
        n++;
    }
    if (v->type == FT__JSON_OBJECT) qsort(members, n, sizeof *members, ft__trajectory_order);
    ft__buf_printf(out, "%zu", n);
    for (size_t i = 0; i < n; i++) {
        ft__trajectory_spell_text(out, ft__json_key_view(members[i].value));
        ft__trajectory_spell(members[i].value, arena, out);
    }
}

/* Name and arguments; where the arguments cannot be read, the name alone. */
static ft__view ft__trajectory_identity(const ft__tool_call *step, ft__arena *arena, ft__buf *out) {
    out->len = 0;
    ft__trajectory_spell_text(out, step->name);
    if (step->arguments) ft__trajectory_spell(step->arguments, arena, out);
    ft__view text = {ft__arena_text(arena, out->data, out->len), out->len};
    if (out->failed) arena->failed = true;
    if (!text.text) text.text = "", text.n = 0;
    return text;
}

static bool ft__trajectory_score_loops(const ft_evaluator *e, const ft_row *row, ft__view output,
                                       ft_score *score) {
    ft__arena arena;
    ft__tool_calls steps;
    ft__buf spelled;
    ft__interner seen;
    char name[64];
    size_t repeats = 0;
    (void)row;
    ft__arena_init(&arena, &e->arena.allocator);
    ft__buf_init(&spelled, &e->arena.allocator);
    ft__interner_init(&seen, &e->arena.allocator);
    ft__trajectory_steps(output, &arena, &steps);
    for (size_t i = 0; i < steps.n && !arena.failed && !seen.failed; i++) {
        size_t known = seen.n;
        ft__interner_id(&seen, ft__trajectory_identity(&steps.items[i], &arena, &spelled));
        if (seen.n > known) continue;
        if (!repeats++)
            ft__score_detail(score, "step %zu, %s, repeats an earlier one", i + 1,
                             ft__text_excerpt(steps.items[i].name, name));
        ft__score_span(score, steps.items[i].begin, steps.items[i].end, "repeated step");
    }
    if (repeats) score->value = (double)repeats / (double)steps.n;
    bool ok = !arena.failed && !seen.failed;
    ft__interner_free(&seen);
    ft__buf_free(&spelled);
    ft__arena_free(&arena);
    return ok;
}

/* ---- task_completion */

typedef struct ft__task {
    ft__arena arena;
    ft__view output;
    ft__buf low; /* the output as texts are looked for in it */
    bool read;   /* the next two are there */
    ft__tool_calls calls;
    ft__json *json; /* NULL: none */
    ft_score *score;
} ft__task;

/* The same as below for ASCII, in one go. */
static void ft__task_fold_ascii(ft__view text, ft__buf *out) {
    size_t n = 0;
    bool blank = false;
    ft__buf_add(out, text.text, text.n);
    for (size_t i = 0; i < out->len; i++) {
        char c = out->data[i];
        if (c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1C && c <= 0x1F)) {
            blank = n > 0;
            continue;
        }
        if (blank) out->data[n++] = ' ';
        blank = false;
        out->data[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    out->len = n;
}

/* In lower case, with single blanks; `out` is empty before. */
static void ft__task_fold(ft__view text, ft__buf *out) {
    ft__buf low;
    ft__view word;
    size_t ascii = 0;
    while (ascii < text.n && !(text.text[ascii] & 0x80)) ascii++;
    if (ascii == text.n) {
        ft__task_fold_ascii(text, out);
        return;
    }
    ft__buf_init(&low, &out->allocator);
    ft__lower(text.text, text.n, &low);
    const char *p = ft__buf_view(&low).text, *end = p + low.len;
    while (ft__text_next_word(&p, end, &word)) {
        if (out->len) ft__buf_byte(out, ' ');
        ft__buf_add(out, word.text, word.n);
    }
    if (low.failed) out->failed = true;
    ft__buf_free(&low);
}

/* False: out of memory.  A text that is not one is an error in the score. */
static bool ft__task_has(ft__task *t, const ft__json *text, bool *found) {
    ft__buf part;
    if (text->type != FT__JSON_STRING || ft__text_strip(ft__json_view(text)).n == 0)
        return ft__score_error(t->score, "a text in the checklist is %s",
                               text->type == FT__JSON_STRING ? "blank" : "no string");
    ft__buf_init(&part, &t->arena.allocator);
    ft__task_fold(ft__json_view(text), &part);
    bool ok = !part.failed && ft__text_contains(ft__buf_view(&t->low), ft__buf_view(&part),
                                                &t->arena.allocator, found);
    ft__buf_free(&part);
    return ok;
}

static bool ft__task_any(ft__task *t, const ft__json *list, bool *met) {
    if (list->type != FT__JSON_ARRAY || !list->child)
        return ft__score_error(t->score, "\"any\" in the checklist must be a list of texts");
    for (const ft__json *v = list->child; v; v = v->next) {
        bool found = false;
        if (!ft__task_has(t, v, &found)) return false;
        *met = *met || found;
    }
    return true;
}

/* Saying nothing is no way to do without something. */
static bool ft__task_not(ft__task *t, const ft__json *text, bool *met) {
    bool found = false;
    bool ok = ft__task_has(t, text, &found);
    *met = !found && t->low.len;
    return ok;
}

static bool ft__task_regex(ft__task *t, const ft__json *pattern, bool *met) {
    ft_error err = {FT_OK, "", ""};
    ft__view v = ft__json_view(pattern);
    if (pattern->type != FT__JSON_STRING)
        return ft__score_error(t->score, "a \"regex\" in the checklist is no string");
    ft__regex *regex = ft__regex_compile(v.text, v.n, 0, &t->arena.allocator, &err);
    if (!regex)
        return err.code != FT_ERR_MEMORY && ft__score_error(t->score, "checklist: %s", err.message);
    ft_status status = ft__regex_search(regex, t->output.text, t->output.n, met, NULL);
    ft__regex_free(regex);
    return status == FT_OK;
}

/* The output's calls and JSON are read when the first item asks for them. */
static bool ft__task_read(ft__task *t) {
    ft__view found;
    if (t->read) return true;
    t->read = true;
    if (!ft__tool_calls_read(t->output, &t->arena, &t->calls)) return false;
    if (ft__extract_json(t->output, 0, &found))
        ft__json_parse(found.text, found.n, "", 1, &t->arena, &t->json, NULL);
    return !t->arena.failed;
}

static bool ft__task_tool(ft__task *t, const ft__json *name, bool *met) {
    if (name->type != FT__JSON_STRING)
        return ft__score_error(t->score, "a \"tool\" in the checklist is no string");
    if (!ft__task_read(t)) return false;
    for (size_t i = 0; i < t->calls.n && !*met; i++)
        *met = ft__text_equal(t->calls.items[i].name.text, t->calls.items[i].name.n, name->text,
                              name->text_len);
    return true;
}

/* `equals` is the member of the item beside this one. */
static bool ft__task_field(ft__task *t, const ft__json *path, const ft__json *equals, bool *met) {
    if (path->type != FT__JSON_STRING || !equals)
        return ft__score_error(t->score, "a \"field\" in the checklist needs \"equals\"");
    if (!ft__task_read(t)) return false;
    const ft__json *value = ft__json_path(t->json, path->text);
    *met = value && ft__json_equal(value, equals);
    return true;
}

/* What an item may be: its key, how it is looked for, and how one that is not met is told. */
typedef struct ft__task_kind {
    const char *key;
    bool (*look)(ft__task *t, const ft__json *value, bool *met);
    const char *unmet;
} ft__task_kind;

static const ft__task_kind ft__task_kinds[] = {
    {"contains", ft__task_has, "does not contain"},
    {"any", ft__task_any, "contains none of"},
    {"not", ft__task_not, "must not contain"},
    {"regex", ft__task_regex, "nothing matches"},
    {"tool", ft__task_tool, "does not call"},
    {"field", NULL, "JSON has not the expected"},
};

/* The kind of an object in the list and the value of its key; NULL with an error in the score. */
static const ft__task_kind *ft__task_kind_of(ft__task *t, const ft__json *item,
                                             const ft__json **value) {
    const ft__task_kind *kind = NULL;
    for (const ft__json *m = item->child; m; m = m->next) {
        bool known = strcmp(m->key, "weight") == 0 || strcmp(m->key, "equals") == 0;
        for (size_t i = 0; i < FT__COUNT(ft__task_kinds); i++) {
            if (strcmp(m->key, ft__task_kinds[i].key) != 0) continue;
            known = !kind;
            kind = &ft__task_kinds[i];
            *value = m;
        }
        if (known) continue;
        ft__score_error(t->score, "\"%.60s\" in an item of the checklist is %s", m->key,
                        kind ? "one too many" : "unknown");
        return NULL;
    }
    if (!kind) ft__score_error(t->score, "an item of the checklist does not say what to look for");
    return kind;
}

static void ft__task_tell(const ft__task *t, const ft__task_kind *kind, const ft__json *value) {
    char excerpt[64];
    const ft__json *shown = value->type == FT__JSON_ARRAY ? value->child : value;
    if (t->score->detail[0]) return; /* the first is told */
    ft__score_detail(t->score, "%s \"%s\"%s", kind->unmet,
                     ft__text_excerpt(ft__json_view(shown), excerpt),
                     shown->next && value != shown ? ", ..." : "");
}

/* One item: its weight, and whether it is met.  False: out of memory. */
static bool ft__task_item(ft__task *t, const ft__json *item, double *weight, bool *met) {
    const ft__task_kind *kind = &ft__task_kinds[0];
    const ft__json *value = item, *given = ft__json_get(item, "weight");
    *weight = given ? given->number : 1;
    *met = false;
    if (given && (given->type != FT__JSON_NUMBER || *weight < 0))
        return ft__score_error(t->score, "a \"weight\" in the checklist is no number from 0 up");
    if (item->type == FT__JSON_OBJECT && !(kind = ft__task_kind_of(t, item, &value))) return true;
    bool ok = kind->look ? kind->look(t, value, met)
                         : ft__task_field(t, value, ft__json_get(item, "equals"), met);
    if (ok && !*met && t->score->state == FT_SCORED) ft__task_tell(t, kind, value);
    return ok;
}

static bool ft__task_list(ft__task *t, const ft__json *list) {
    double done = 0, all = 0;
    for (const ft__json *item = list->child; item; item = item->next) {
        double weight;
        bool met;
        if (!ft__task_item(t, item, &weight, &met)) return false;
        if (t->score->state != FT_SCORED) return true;
        all += weight;
        done += met ? weight : 0;
    }
    if (!(all > 0) || !ft__finite(all))
        return ft__score_error(t->score, "the weights of the checklist have no sum to divide by");
    t->score->value = done / all;
    return true;
}

static bool ft__task_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                           ft_score *score) {
    const ft__json *list = ft__row_get(row, "checklist");
    ft__task t;
    if (!list) return ft__score_error(score, "row has no \"checklist\"");
    if (list->type != FT__JSON_ARRAY || !list->child)
        return ft__score_error(score, "\"checklist\" must be a list of items");
    memset(&t, 0, sizeof t);
    ft__arena_init(&t.arena, &e->arena.allocator);
    ft__buf_init(&t.low, &e->arena.allocator);
    t.output = output;
    t.score = score;
    ft__task_fold(output, &t.low);
    bool ok = !t.low.failed && ft__task_list(&t, list) && !t.arena.failed;
    ft__buf_free(&t.low);
    ft__arena_free(&t.arena);
    return ok;
}

#define FT__TRAJECTORY_PARAMS \
    "\"field\": \"expected_tools\", \"arguments\": false, \"texts\": \"bfcl\""

FT__PRIV const ft__evaluator_kind *ft__trajectory_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"trajectory", "the output takes the expected steps: strict, unordered, subset, superset, "
          "in_order", "expected_tools",
          "{\"mode\": \"strict\", " FT__TRAJECTORY_PARAMS ", \"threshold\": 1}",
          0, 1, true, 1, "trajectory|v1", FT_FROM_TEXT},
         FT__TRAJECTORY_MATCH, ft__trajectory_prepare, ft__trajectory_score, NULL},
        {{"trajectory_edit", "1 - normalised edit distance between the steps and the expected",
          "expected_tools", "{" FT__TRAJECTORY_PARAMS ", \"threshold\": 1}",
          0, 1, true, 1, "trajectory_edit|levenshtein|v1", FT_FROM_TEXT},
         FT__TRAJECTORY_EDIT, ft__trajectory_prepare, ft__trajectory_score, NULL},
        {{"step_efficiency", "expected steps / steps taken, 0 unless all expected ones are there",
          "expected_tools", "{" FT__TRAJECTORY_PARAMS ", \"threshold\": 0.5}",
          0, 1, true, 0.5, "step_efficiency|v1", FT_FROM_TEXT},
         FT__TRAJECTORY_EFFICIENCY, ft__trajectory_prepare, ft__trajectory_score, NULL},
        {{"trajectory_score", "mean of the steps' precision, recall, order and efficiency",
          "expected_tools", "{" FT__TRAJECTORY_PARAMS ", \"threshold\": 0.8}",
          0, 1, true, 0.8, "trajectory_score|mean4|v1", FT_FROM_TEXT},
         FT__TRAJECTORY_SCORE, ft__trajectory_prepare, ft__trajectory_score, NULL},
        {{"trajectory_loops", "share of steps that repeat an earlier one, arguments and all", "",
          "{\"threshold\": 0}", 0, 1, false, 0, "trajectory_loops|v1", FT_FROM_TEXT},
         0, NULL, ft__trajectory_score_loops, NULL},
        {{"task_completion", "weighted share of the row's checklist that the output meets",
          "checklist", "{\"threshold\": 1}", 0, 1, true, 1, "task_completion|v1", FT_FROM_TEXT},
         0, NULL, ft__task_score, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
#undef FT__TRAJECTORY_PARAMS
