/* Tool calls: comparing those that a model's text makes (toolcall_read.c) with those that a row
   expects.

   Names are compared exactly; arguments in any order.  The value that a row gives for an argument
   is the value itself or a list of allowed ones; "" in that list means that the argument may be
   left out (BFCL's convention).  A list is taken for the value itself, too; and only for that
   where the row's "tools" say that the argument is an array while not all of the list's members
   are.  The members of an expected object are such arguments in their turn.  Numbers are compared
   by value, texts as BFCL does (without blanks and ,./-_*^ and without case) or exactly; true is
   no 1.  A call of a tool that is not among the row's "tools" is wrong in any case.

   Of all pairings of expected and made calls the one with the largest sum of credits counts (H.
   Kuhn, "The Hungarian method", 1955), where the credit of a pair is 0 if the names differ, and
   else (1 + s) / 2, s being the share of right ones among the arguments expected or given.  With n
   expected and m made calls:

     tool_call          1 if n = m and every credit is 1, else 0
     tool_call_partial  2 sum(credits) / (n + m); every missing, extra or invented call lowers it
     tool_selection     the same with credit 1 for the right name
     tool_args          mean of s over the pairs with the right name; 0 without any
     tool_relevance     1 if calls were made just where some are expected, else 0

   No call where one is expected gives 0, and so does a call where none is; none and none gives 1
   (tool_args is not applicable then). */
#include "toolcall.h"

/* ---- comparing values */

static bool ft__toolcall_texts_equal(const ft__tool_rules *rules, ft__view a, ft__view b) {
    bool equal = false;
    if (rules->exact_texts) return ft__text_equal(a.text, a.n, b.text, b.n);
    if (!ft__bfcl_text_equal(a, b, &rules->arena->allocator, &equal)) rules->arena->failed = true;
    return equal;
}

/* The last one of that name. */
static const ft__json *ft__toolcall_member(const ft__json *object, ft__view key) {
    const ft__json *found = NULL;
    for (const ft__json *m = object->child; m; m = m->next)
        if (ft__text_equal(m->key, m->key_len, key.text, key.n)) found = m;
    return found;
}

static bool ft__toolcall_is_blank(const ft__json *v) {
    return v->type == FT__JSON_STRING && v->text_len == 0;
}

static bool ft__toolcall_optional(const ft__json *allowed) {
    const ft__json *v = allowed->type == FT__JSON_ARRAY ? allowed->child : NULL;
    while (v && !ft__toolcall_is_blank(v)) v = v->next;
    return v != NULL;
}

static bool ft__toolcall_argument_fits(const ft__tool_rules *rules, const ft__json *given,
                                       const ft__json *allowed, bool is_list);

/* Of the arguments that are expected or given: how many are right, how many there are, and the
   first that is not right, as it is expected or, where it is not, given. */
typedef struct ft__toolcall_tally {
    size_t right, all;
    const ft__json *wrong;
} ft__toolcall_tally;

static bool ft__toolcall_is_list(const ft__json *tool, ft__view key) {
    static const char *const keys[] = {"parameters", "input_schema"};
    const ft__json *properties =
        ft__json_get(ft__toolcall_first_of(tool, keys, FT__COUNT(keys)), "properties");
    const ft__json *property = properties ? ft__toolcall_member(properties, key) : NULL;
    const ft__json *type = ft__json_get(property, "type");
    return type && type->type == FT__JSON_STRING &&
           (strcmp(type->text, "array") == 0 || strcmp(type->text, "tuple") == 0);
}

/* tool: the description that says which are lists; NULL: there is none. */
static ft__toolcall_tally ft__toolcall_count(const ft__tool_rules *rules, const ft__json *given,
                                             const ft__json *expected, const ft__json *tool) {
    ft__toolcall_tally tally = {0, 0, NULL};
    for (const ft__json *e = expected->child; e; e = e->next) {
        const ft__json *g = ft__toolcall_member(given, ft__json_key_view(e));
        bool right = g && ft__toolcall_argument_fits(
                              rules, g, e, ft__toolcall_is_list(tool, ft__json_key_view(e)));
        if (!g && ft__toolcall_optional(e)) continue;
        tally.all++;
        tally.right += right;
        if (!right && !tally.wrong) tally.wrong = e;
    }
    for (const ft__json *g = given->child; g; g = g->next) {
        if (ft__toolcall_member(expected, ft__json_key_view(g))) continue;
        tally.all++;
        if (!tally.wrong) tally.wrong = g;
    }
    return tally;
}

/* As doubles; from 2^53 on, where ids differ that are one double, exactly. */
static bool ft__tool_numbers_equal(const ft__json *given, const ft__json *expected) {
    const double most = 9007199254740992.0; /* 2^53 */
    if (given->number != expected->number) return false;
    return (given->number > -most && given->number < most) ||
           ft__json_compare_numbers(given, expected) == 0;
}

static bool ft__toolcall_equal(const ft__tool_rules *rules, const ft__json *given,
                               const ft__json *expected) {
    if (given->type != expected->type) return false;
    switch (given->type) {
    case FT__JSON_NUMBER: return ft__tool_numbers_equal(given, expected);
    case FT__JSON_STRING:
        return ft__toolcall_texts_equal(rules, ft__json_view(given), ft__json_view(expected));
    case FT__JSON_OBJECT: {
        ft__toolcall_tally tally = ft__toolcall_count(rules, given, expected, NULL);
        return tally.right == tally.all;
    }
    case FT__JSON_ARRAY: break;
    default: return true;
    }
    const ft__json *e = expected->child, *g = given->child;
    while (e && g && ft__toolcall_equal(rules, g, e)) e = e->next, g = g->next;
    return !e && !g;
}

static bool ft__toolcall_argument_fits(const ft__tool_rules *rules, const ft__json *given,
                                       const ft__json *allowed, bool is_list) {
    if (ft__toolcall_equal(rules, given, allowed)) return true;
    if (allowed->type == FT__JSON_ARRAY) {
        const ft__json *v = allowed->child;
        while (is_list && v && (v->type == FT__JSON_ARRAY || ft__toolcall_is_blank(v))) v = v->next;
        bool alternatives = !is_list || !v;
        for (v = allowed->child; alternatives && v; v = v->next)
            if (ft__toolcall_equal(rules, given, v)) return true;
    }
    if (given->type != FT__JSON_STRING || given->line != FT__TOOLCALL_UNTYPED) return false;
    const ft__json *typed = ft__toolcall_whole(ft__json_view(given), rules->arena);
    return typed && ft__toolcall_argument_fits(rules, typed, allowed, is_list);
}

/* ---- comparing calls */

/* A tool of the row, as OpenAI describes it or less wrapped; a name alone will do. */
static const ft__json *ft__toolcall_described(const ft__json *tools, ft__view name) {
    for (const ft__json *v = tools->child; v; v = v->next) {
        const ft__json *inner = ft__json_get(v, "function"), *tool = inner ? inner : v;
        const ft__json *known = v->type == FT__JSON_STRING ? v : ft__json_get(tool, "name");
        if (known && known->type == FT__JSON_STRING &&
            ft__text_equal(known->text, known->text_len, name.text, name.n))
            return tool;
    }
    return NULL;
}

FT__PRIV bool ft__tools_of_row(const ft_row *row, const ft__tool_calls *expected,
                               const ft__json **tools, ft_score *score) {
    char excerpt[64];
    *tools = ft__row_get(row, "tools");
    if (*tools && (*tools)->type != FT__JSON_ARRAY)
        return !ft__score_error(score, "\"tools\" must be a list, found %s",
                                ft__json_type_name((*tools)->type));
    for (size_t i = 0; *tools && i < expected->n; i++)
        if (!ft__toolcall_described(*tools, expected->items[i].name))
            return !ft__score_error(score, "\"tools\" do not have \"%s\", which is expected",
                                    ft__text_excerpt(expected->items[i].name, excerpt));
    return true;
}

/* How good a call is: 0 if the name is wrong, else half for the name and half for the share of the
   arguments that are right; 1 only if all of them are. */
static double ft__tool_call_credit(const ft__tool_rules *rules, const ft__tool_call *expected,
                                     const ft__tool_call *made) {
    const ft__json *tool = NULL;
    if (!ft__text_equal(expected->name.text, expected->name.n, made->name.text, made->name.n))
        return 0;
    if (rules->tools && !(tool = ft__toolcall_described(rules->tools, made->name))) return 0;
    if (rules->only_names || !expected->arguments) return 1;
    if (!made->arguments) return 0.5;
    ft__toolcall_tally tally =
        ft__toolcall_count(rules, made->arguments, expected->arguments, tool);
    return tally.all ? 0.5 + 0.5 * ((double)tally.right / (double)tally.all) : 1;
}

/* A table of more would not fit well into memory, and pairing takes time n_rows^2 n_columns. */
enum { FT__TOOLCALL_MAX_SIDE = 256, FT__TOOLCALL_MAX_PAIRS = 1 << 22 };

FT__PRIV double *ft__tool_credits(const ft__tool_rules *rules, const ft__tool_calls *expected,
                                  const ft__tool_calls *made, ft_score *score) {
    size_t side = expected->n < made->n ? expected->n : made->n, n;
    if (side > FT__TOOLCALL_MAX_SIDE || !ft__mul_size(expected->n, made->n, &n) ||
        n > FT__TOOLCALL_MAX_PAIRS) {
        ft__score_error(score, "too many calls to pair: %zu expected, %zu made", expected->n,
                        made->n);
        return NULL;
    }
    double *credits = (double *)ft__arena_alloc(rules->arena, n, sizeof *credits);
    if (!credits) return NULL;
    for (size_t i = 0; i < expected->n; i++)
        for (size_t j = 0; j < made->n; j++)
            credits[i * made->n + j] =
                ft__tool_call_credit(rules, &expected->items[i], &made->items[j]);
    return credits;
}

/* ---- pairing */

typedef struct ft__pairing {
    const double *weights;
    size_t n, m; /* n <= m */
    size_t row_step, column_step;
    double *row_price, *column_price, *slack; /* (n+1), (m+1), (m+1) */
    size_t *row_of, *from;                    /* (m+1): 1-based; 0 is none */
    bool *visited;
} ft__pairing;

/* Finds the cheapest path of changes that gives `row` a column, and makes the changes (the
   Hungarian method by shortest paths: J. Edmonds, R. Karp, 1972).  Column 0 holds the new row at
   first. */
static void ft__pairing_add_row(ft__pairing *p, size_t row) {
    size_t at = 0;
    for (size_t j = 0; j <= p->m; j++) {
        p->slack[j] = DBL_MAX;
        p->visited[j] = false;
    }
    p->row_of[0] = row;
    do {
        size_t i = p->row_of[at], next = 0;
        double least = DBL_MAX;
        p->visited[at] = true;
        for (size_t j = 1; j <= p->m; j++) {
            if (p->visited[j]) continue;
            double cost = -p->weights[(i - 1) * p->row_step + (j - 1) * p->column_step] -
                          p->row_price[i] - p->column_price[j];
            if (cost < p->slack[j]) p->slack[j] = cost, p->from[j] = at;
            if (p->slack[j] < least) least = p->slack[j], next = j;
        }
        for (size_t j = 0; j <= p->m; j++) {
            if (p->visited[j]) p->row_price[p->row_of[j]] += least, p->column_price[j] -= least;
            else p->slack[j] -= least;
        }
        at = next;
    } while (p->row_of[at]);
    for (; at; at = p->from[at]) p->row_of[at] = p->row_of[p->from[at]];
}

static bool ft__pair_any(const double *weights, size_t n_rows, size_t n_columns, ft__arena *arena,
                         int *pair) {
    ft__pairing p;
    bool turned = n_rows > n_columns;
    p.weights = weights;
    p.n = turned ? n_columns : n_rows;
    p.m = turned ? n_rows : n_columns;
    p.row_step = turned ? 1 : n_columns;
    p.column_step = turned ? n_columns : 1;
    p.row_price = (double *)ft__arena_alloc(arena, p.n + 1, sizeof(double));
    p.column_price = (double *)ft__arena_alloc(arena, p.m + 1, sizeof(double));
    p.slack = (double *)ft__arena_alloc(arena, p.m + 1, sizeof(double));
    p.row_of = (size_t *)ft__arena_alloc(arena, p.m + 1, sizeof(size_t));
    p.from = (size_t *)ft__arena_alloc(arena, p.m + 1, sizeof(size_t));
    p.visited = (bool *)ft__arena_alloc(arena, p.m + 1, sizeof(bool));
    if (!p.row_price || !p.column_price || !p.slack || !p.row_of || !p.from || !p.visited)
        return false;
    for (size_t i = 1; i <= p.n; i++) ft__pairing_add_row(&p, i);
    for (size_t j = 1; j <= p.m; j++) {
        if (!p.row_of[j]) continue;
        size_t row = turned ? j - 1 : p.row_of[j] - 1, column = turned ? p.row_of[j] - 1 : j - 1;
        if (weights[row * n_columns + column] > 0) pair[row] = (int)column;
    }
    return true;
}

/* best[i][j]: the largest sum of the rows from i and the columns from j on. */
static bool ft__pair_ordered(const double *weights, size_t n_rows, size_t n_columns,
                             ft__arena *arena, int *pair) {
    size_t width = n_columns + 1;
    double *best = (double *)ft__arena_alloc(arena, (n_rows + 1) * width, sizeof *best);
    if (!best) return false;
    for (size_t i = n_rows; i-- > 0;)
        for (size_t j = n_columns; j-- > 0;) {
            double both = weights[i * n_columns + j] + best[(i + 1) * width + j + 1];
            double down = best[(i + 1) * width + j], right = best[i * width + j + 1];
            if (both < down) both = down;
            best[i * width + j] = both < right ? right : both;
        }
    for (size_t i = 0, j = 0; i < n_rows && j < n_columns;) {
        double here = best[i * width + j], weight = weights[i * n_columns + j];
        if (weight > 0 && here == weight + best[(i + 1) * width + j + 1]) pair[i++] = (int)j++;
        else if (here == best[(i + 1) * width + j]) i++;
        else j++;
    }
    return true;
}

FT__PRIV bool ft__pair_best(const double *weights, size_t n_rows, size_t n_columns, bool ordered,
                            ft__arena *arena, int *pair) {
    for (size_t i = 0; i < n_rows; i++) pair[i] = -1;
    return ordered ? ft__pair_ordered(weights, n_rows, n_columns, arena, pair)
                   : ft__pair_any(weights, n_rows, n_columns, arena, pair);
}

/* ---- evaluators */

enum {
    FT__TOOLCALL_EXACT, FT__TOOLCALL_PARTIAL, FT__TOOLCALL_SELECTION, FT__TOOLCALL_ARGS,
    FT__TOOLCALL_RELEVANCE
};

typedef struct ft__toolcall_options {
    bool ordered, exact_texts;
} ft__toolcall_options;

static ft_status ft__toolcall_prepare(ft_evaluator *e, ft_error *err) {
    static const char *const texts[] = {"bfcl", "exact"};
    int index = 0;
    ft__toolcall_options *options =
        (ft__toolcall_options *)ft__arena_alloc(&e->arena, 1, sizeof *options);
    if (!options) return ft__fail_memory(err);
    e->state = options;
    ft_status status = ft__param_choice(e, "texts", texts, FT__COUNT(texts), &index, err);
    options->exact_texts = index == 1;
    if (e->kind->which != FT__TOOLCALL_ARGS) options->ordered = ft__param_flag(e, "ordered");
    return status;
}

/* One row and one output. */
typedef struct ft__toolcall_case {
    ft__arena arena;
    ft__tool_rules rules;
    ft__tool_calls expected, made;
    double *credits; /* (expected.n, made.n) */
    int *pair;       /* (expected.n) */
} ft__toolcall_case;

/* False: there is an error in the score, or no memory. */
static bool ft__toolcall_read(ft__toolcall_case *c, const ft_row *row, ft__view output,
                              ft_score *score) {
    return ft__tool_calls_expected(row, "expected_tools", &c->arena, &c->expected, score) &&
           ft__tools_of_row(row, &c->expected, &c->rules.tools, score) &&
           ft__tool_calls_read(output, &c->arena, &c->made);
}

static double ft__toolcall_credit_of(const ft__toolcall_case *c, size_t i) {
    return c->pair[i] < 0 ? 0 : c->credits[i * c->made.n + (size_t)c->pair[i]];
}

static bool ft__toolcall_pair(ft__toolcall_case *c, bool ordered, ft_score *score) {
    c->credits = ft__tool_credits(&c->rules, &c->expected, &c->made, score);
    c->pair = (int *)ft__arena_alloc(&c->arena, c->expected.n, sizeof *c->pair);
    return c->credits && c->pair &&
           ft__pair_best(c->credits, c->expected.n, c->made.n, ordered, &c->arena, c->pair);
}

static double ft__toolcall_result(const ft__toolcall_case *c, int which) {
    double n = (double)c->expected.n, m = (double)c->made.n, sum = 0;
    size_t named = 0;
    for (size_t i = 0; i < c->expected.n; i++) {
        double credit = ft__toolcall_credit_of(c, i);
        named += credit > 0;
        sum += credit;
    }
    if (which == FT__TOOLCALL_EXACT) return c->expected.n == c->made.n && sum == n;
    if (which == FT__TOOLCALL_ARGS) return named ? 2 * sum / (double)named - 1 : 0;
    return 2 * sum / (n + m);
}

/* ---- what a reader is told */

/* The calls that are not right. */
static void ft__toolcall_spans(ft__toolcall_case *c, ft_score *score) {
    bool *right = (bool *)ft__arena_alloc(&c->arena, c->made.n, sizeof *right);
    for (size_t i = 0; right && c->pair && i < c->expected.n; i++)
        if (ft__toolcall_credit_of(c, i) == 1) right[c->pair[i]] = true;
    for (size_t j = 0; right && j < c->made.n; j++)
        if (!right[j]) ft__score_span(score, c->made.items[j].begin, c->made.items[j].end, "call");
}

static void ft__toolcall_explain_arguments(ft__toolcall_case *c, const ft__tool_call *expected,
                                           const ft__tool_call *made, ft_score *score) {
    char name[64], argument[64];
    ft__text_excerpt(made->name, name);
    if (!made->arguments) {
        ft__score_detail(score, "the arguments of %s cannot be read", name);
        return;
    }
    const ft__json *tool =
        c->rules.tools ? ft__toolcall_described(c->rules.tools, made->name) : NULL;
    ft__toolcall_tally tally =
        ft__toolcall_count(&c->rules, made->arguments, expected->arguments, tool);
    if (!tally.wrong) return;
    ft__view key = ft__json_key_view(tally.wrong);
    ft__text_excerpt(key, argument);
    bool given = ft__toolcall_member(made->arguments, key) != NULL;
    bool wanted = ft__toolcall_member(expected->arguments, key) != NULL;
    ft__score_detail(score, "%s: argument \"%s\" is %s", name, argument,
                     !wanted ? "not expected" : given ? "wrong" : "missing");
}

static void ft__toolcall_explain(ft__toolcall_case *c, ft_score *score) {
    size_t n = c->expected.n, m = c->made.n;
    char name[64];
    for (size_t j = 0; c->rules.tools && j < m; j++)
        if (!ft__toolcall_described(c->rules.tools, c->made.items[j].name)) {
            ft__score_detail(score, "the row has no tool \"%s\"",
                             ft__text_excerpt(c->made.items[j].name, name));
            return;
        }
    if (n && !m)
        ft__score_detail(score, "no call, expected %s",
                         ft__text_excerpt(c->expected.items[0].name, name));
    else if (m && !n)
        ft__score_detail(score, "no call is wanted, found %s",
                         ft__text_excerpt(c->made.items[0].name, name));
    else if (n != m)
        ft__score_detail(score, "expected %zu call%s, found %zu", n, n == 1 ? "" : "s", m);
    for (size_t i = 0; c->pair && i < n && !score->detail[0]; i++) {
        const ft__tool_call *expected = &c->expected.items[i];
        if (c->pair[i] < 0)
            ft__score_detail(score, "no call of %s", ft__text_excerpt(expected->name, name));
        else if (ft__toolcall_credit_of(c, i) < 1)
            ft__toolcall_explain_arguments(c, expected, &c->made.items[c->pair[i]], score);
    }
}

static void ft__toolcall_judge(ft__toolcall_case *c, const ft_evaluator *e, ft_score *score) {
    const ft__toolcall_options *options = (const ft__toolcall_options *)e->state;
    int which = e->kind->which;
    bool wanted = c->expected.n > 0, called = c->made.n > 0;
    c->rules.exact_texts = options && options->exact_texts;
    c->rules.only_names = which == FT__TOOLCALL_SELECTION;
    if (which == FT__TOOLCALL_RELEVANCE || !wanted || !called) {
        score->value = wanted == called;
        if (which == FT__TOOLCALL_ARGS && !wanted && !called) score->state = FT_NOT_APPLICABLE;
    } else {
        if (!ft__toolcall_pair(c, options && options->ordered, score)) return;
        score->value = ft__toolcall_result(c, which);
    }
    if (score->value == 1) return;
    ft__toolcall_explain(c, score);
    ft__toolcall_spans(c, score);
}

static bool ft__toolcall_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                               ft_score *score) {
    ft__toolcall_case c;
    memset(&c, 0, sizeof c);
    ft__arena_init(&c.arena, &e->arena.allocator);
    c.rules.arena = &c.arena;
    if (ft__toolcall_read(&c, row, output, score)) ft__toolcall_judge(&c, e, score);
    bool ok = !c.arena.failed;
    ft__arena_free(&c.arena);
    return ok;
}

FT__PRIV const ft__evaluator_kind *ft__toolcall_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"tool_call", "the output makes the expected tool calls, no more and no less",
          "expected_tools", "{\"ordered\": false, \"texts\": \"bfcl\", \"threshold\": 1}",
          0, 1, true, 1, "tool_call|optimal-pairs|v1", FT_FROM_TEXT},
         FT__TOOLCALL_EXACT, ft__toolcall_prepare, ft__toolcall_score, NULL},
        {{"tool_call_partial", "how far the output's tool calls agree with the expected ones (F1)",
          "expected_tools", "{\"ordered\": false, \"texts\": \"bfcl\", \"threshold\": 1}",
          0, 1, true, 1, "tool_call_partial|f1-half-name-half-args|v1", FT_FROM_TEXT},
         FT__TOOLCALL_PARTIAL, ft__toolcall_prepare, ft__toolcall_score, NULL},
        {{"tool_selection", "the right tools are called, whatever the arguments (F1 of the names)",
          "expected_tools", "{\"threshold\": 1}",
          0, 1, true, 1, "tool_selection|f1|v1", FT_FROM_TEXT},
         FT__TOOLCALL_SELECTION, NULL, ft__toolcall_score, NULL},
        {{"tool_args", "share of right arguments in the calls that have the right name",
          "expected_tools", "{\"texts\": \"bfcl\", \"threshold\": 1}",
          0, 1, true, 1, "tool_args|v1", FT_FROM_TEXT},
         FT__TOOLCALL_ARGS, ft__toolcall_prepare, ft__toolcall_score, NULL},
        {{"tool_relevance", "a tool is called just where expected_tools is not empty",
          "expected_tools", "{\"threshold\": 1}",
          0, 1, true, 1, "tool_relevance|v1", FT_FROM_TEXT},
         FT__TOOLCALL_RELEVANCE, NULL, ft__toolcall_score, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
