/* Is the output JSON, and is it the JSON that was expected?

   json_equal asks whether the output is the row's "expected": objects without order, numbers by
   their exact value.  json_fields gives credit for parts: values are taken apart into leaves, which
   are scalars and empty containers, each with its path of keys and indices, and a leaf is right
   where the other side has an equal one at the same path.  The score is the F1 of the two sets of
   leaves:

     2 * right / (leaves of the output + leaves of "expected")

   so that what is missing, wrong or extra all cost.  Items of arrays are compared by index: one
   more in front moves all others.

   With "extract" the JSON is first looked for in the output (see extract.c), else the output has to
   be nothing but JSON.  Nested deeper than FT__JSON_MAX_DEPTH, or with a number beyond a double, is
   not valid here: nothing downstream could read it. */
#include "eval.h"

FT__PRIV bool ft__structure_read(ft__view output, bool extract, ft__arena *arena, ft__json **value,
                                 ft_score *score) {
    ft_error inner = {FT_OK, "", ""};
    *value = NULL;
    if (extract && !ft__extract_json(output, 0, &output)) {
        ft__score_detail(score, "no JSON in the output");
        return true;
    }
    ft_status status = ft__json_parse(output.text, output.n, NULL, 1, arena, value, &inner);
    if (status != FT_OK) ft__score_detail(score, "%s: %s", inner.where, inner.message);
    return status != FT_ERR_MEMORY;
}

/* ---- json_valid */

typedef struct ft__structure {
    bool extract;
    int type;         /* wanted; -1: any */
    double tolerance; /* of numbers */
} ft__structure;

static const char *const ft__structure_types[] = {"object", "array", "string", "number", "boolean",
                                                  "null"};

static ft__structure *ft__structure_state(ft_evaluator *e, ft_error *err) {
    ft__structure *s = (ft__structure *)ft__arena_alloc(&e->arena, 1, sizeof *s);
    if (!s) {
        ft__fail_memory(err);
        return NULL;
    }
    e->state = s;
    s->extract = ft__param_flag(e, "extract");
    return s;
}

static ft_status ft__structure_prepare_valid(ft_evaluator *e, ft_error *err) {
    ft__structure *s = ft__structure_state(e, err);
    if (!s) return FT_ERR_MEMORY;
    return ft__param_choice(e, "type", ft__structure_types, FT__COUNT(ft__structure_types),
                            &s->type, err);
}

static bool ft__structure_score_valid(const ft_evaluator *e, const ft_row *row, ft__view output,
                                      ft_score *score) {
    const ft__structure *s = (const ft__structure *)e->state;
    ft__arena arena;
    ft__json *value;
    (void)row;
    ft__arena_init(&arena, &e->arena.allocator);
    bool ok = ft__structure_read(output, s->extract, &arena, &value, score);
    if (value) {
        const char *type = ft__json_type_name(value->type);
        score->value = s->type < 0 || strcmp(type, ft__structure_types[s->type]) == 0;
        if (score->value < 1)
            ft__score_detail(score, "expected type %s, found %s", ft__structure_types[s->type],
                             type);
    }
    ft__arena_free(&arena);
    return ok;
}

/* ---- json_equal, json_fields */

static ft_status ft__structure_prepare_compare(ft_evaluator *e, ft_error *err) {
    ft__structure *s = ft__structure_state(e, err);
    if (!s) return FT_ERR_MEMORY;
    if (!e->kind->which) return FT_OK;
    return ft__param_number(e, "tolerance", 0, DBL_MAX, false, &s->tolerance, err);
}

typedef struct ft__structure_leaves {
    double tolerance;
    size_t expected, found, right;
    char first[96]; /* the path of the first leaf that is not right; blank: of none so far */
    char path[96];  /* of the place that is compared, as far as it fits */
    size_t n_path;  /* its whole length */
} ft__structure_leaves;

static bool ft__structure_is_leaf(const ft__json *v) {
    return (v->type != FT__JSON_ARRAY && v->type != FT__JSON_OBJECT) || !v->child;
}

static size_t ft__structure_count(const ft__json *v) {
    size_t n = ft__structure_is_leaf(v);
    for (v = v->child; v; v = v->next) n += ft__structure_count(v);
    return n;
}

static bool ft__structure_same(const ft__json *a, const ft__json *b, double tolerance) {
    if (a->type != FT__JSON_NUMBER || b->type != FT__JSON_NUMBER || tolerance <= 0)
        return ft__json_compare(a, b) == 0;
    double difference = a->number > b->number ? a->number - b->number : b->number - a->number;
    return difference <= tolerance;
}

/* Adds "/NAME" to the path; returns what takes it off again. */
static size_t ft__structure_enter(ft__structure_leaves *l, const ft__json *v, size_t index) {
    size_t before = l->n_path;
    char number[32];
    ft__view name = {number, 0};
    if (v->key) name.text = v->key, name.n = v->key_len;
    else name.n = (size_t)snprintf(number, sizeof number, "%zu", index);
    for (size_t i = 0; i <= name.n; i++, l->n_path++)
        if (l->n_path < sizeof l->path)
            l->path[l->n_path] = i == 0 ? '/' : (unsigned char)name.text[i - 1] < 32
                                                    ? '?'
                                                    : name.text[i - 1];
    return before;
}

/* Everything at this place is on one side only, or differs. */
static void ft__structure_differ(ft__structure_leaves *l) {
    size_t room = sizeof l->first - 4;
    if (l->first[0]) return;
    if (l->n_path <= room) snprintf(l->first, sizeof l->first, "%.*s", (int)l->n_path, l->path);
    else snprintf(l->first, sizeof l->first, "%.*s...",
                  (int)(room - ft__utf8_incomplete_tail(l->path, room)), l->path);
    if (!l->n_path) snprintf(l->first, sizeof l->first, "the whole");
}

/* Both are sorted, so that objects are merged. */
static void ft__structure_compare(ft__structure_leaves *l, const ft__json *expected,
                                  const ft__json *found) {
    const ft__json *x = expected->child, *y = found->child;
    if (ft__structure_is_leaf(expected) || ft__structure_is_leaf(found) ||
        expected->type != found->type) {
        l->expected += ft__structure_count(expected);
        l->found += ft__structure_count(found);
        if (ft__structure_is_leaf(expected) && ft__structure_is_leaf(found) &&
            ft__structure_same(expected, found, l->tolerance))
            l->right++;
        else ft__structure_differ(l);
        return;
    }
    for (size_t i = 0; x || y; i++) {
        int order = !x ? 1 : !y ? -1 : 0;
        if (!order && expected->type == FT__JSON_OBJECT) order = ft__json_compare_keys(x, y);
        size_t before = ft__structure_enter(l, order <= 0 ? x : y, i);
        if (order == 0) ft__structure_compare(l, x, y);
        else if (order < 0) l->expected += ft__structure_count(x);
        else l->found += ft__structure_count(y);
        if (order != 0) ft__structure_differ(l);
        if (order <= 0) x = x->next;
        if (order >= 0) y = y->next;
        l->n_path = before;
    }
}

/* The row's "expected": a value, or a string that holds one.  NULL: an error in the score, or out
   of memory (*ok false). */
static ft__json *ft__structure_expected(const ft_row *row, ft__arena *arena, ft_score *score,
                                        bool *ok) {
    const ft__json *expected = ft__row_get(row, "expected");
    ft__json *value = NULL;
    *ok = true;
    if (!expected) {
        ft__score_error(score, "row has no \"expected\"");
    } else if (expected->type == FT__JSON_STRING) {
        ft__view text = ft__json_view(expected);
        ft_status status = ft__json_parse(text.text, text.n, NULL, 1, arena, &value, NULL);
        *ok = status != FT_ERR_MEMORY;
        if (status != FT_OK) ft__score_error(score, "\"expected\" is a text that is not JSON");
        else ft__json_sort(value);
    } else {
        value = ft__json_sorted_copy(expected, arena);
        *ok = value != NULL;
    }
    return value;
}

static void ft__structure_judge(const ft_evaluator *e, ft__structure_leaves *l, ft_score *score) {
    bool equal = l->right == l->expected && l->right == l->found;
    score->value = e->kind->which ? 2.0 * (double)l->right / (double)(l->expected + l->found)
                                  : equal;
    if (equal) return;
    if (!e->kind->which) ft__score_detail(score, "differs: %s", l->first);
    else ft__score_detail(score, "%zu of %zu fields right, %zu given; first not: %s", l->right,
                          l->expected, l->found, l->first);
}

static bool ft__structure_score_compare(const ft_evaluator *e, const ft_row *row, ft__view output,
                                        ft_score *score) {
    const ft__structure *s = (const ft__structure *)e->state;
    ft__arena arena;
    ft__json *value = NULL;
    ft__structure_leaves l;
    bool ok;
    memset(&l, 0, sizeof l);
    l.tolerance = s->tolerance;
    ft__arena_init(&arena, &e->arena.allocator);
    ft__json *expected = ft__structure_expected(row, &arena, score, &ok);
    if (expected) ok = ft__structure_read(output, s->extract, &arena, &value, score);
    if (value) {
        ft__json_sort(value);
        ft__structure_compare(&l, expected, value);
        ft__structure_judge(e, &l, score);
    }
    ft__arena_free(&arena);
    return ok;
}

/* ---- rows of the registry */

FT__PRIV const ft__evaluator_kind *ft__structure_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"json_valid", "the output is one JSON value (RFC 8259), of the given type", "",
          "{\"type\": null, \"extract\": false, \"threshold\": 1}",
          0, 1, true, 1, "json_valid|rfc8259|v1", FT_FROM_TEXT},
         0, ft__structure_prepare_valid, ft__structure_score_valid, NULL},
        {{"json_equal", "the output is the expected JSON, whatever the order of keys", "expected",
          "{\"extract\": false, \"threshold\": 1}",
          0, 1, true, 1, "json_equal|exact-numbers|v1", FT_FROM_TEXT},
         0, ft__structure_prepare_compare, ft__structure_score_compare, NULL},
        {{"json_fields", "F1 of the fields (path and value) that the output and the expected share",
          "expected", "{\"tolerance\": 0, \"extract\": false, \"threshold\": 1}",
          0, 1, true, 1, "json_fields|leaf-f1|v1", FT_FROM_TEXT},
         1, ft__structure_prepare_compare, ft__structure_score_compare, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
