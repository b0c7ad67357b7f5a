/* Jinja source to nodes: all tokens first (jinja_lex.c), then a recursive descent over them.

   It follows Jinja's grammar with its peculiarities: `**` is left-associative, a filter binds tighter
   than any operator, a test may have one argument without parentheses.  An unknown filter or test is an error
   here unless it stands in a branch (`if`, `a if b else c`): then only when it is reached. */
#include "jinja.h"

typedef struct ft__jparser {
    ft__jinja r; /* its arena becomes the template's */
    ft__jtokens tokens;
    size_t at;
    uint32_t line;    /* the lexer's */
    ft__jdict *ids;
    uint8_t uses;     /* FT__JUSES_... of the macro being parsed */
    int loops;        /* that break and continue could mean */
    bool soft;        /* in a branch */
    const ft__jnode *unknown; /* a filter or test that does not exist and is not in a branch */
    bool unknown_test;
} ft__jparser;

/* ---- errors */

static bool ft__jinja_parse_fail(ft__jparser *p, uint32_t line, const char *fmt, ...) FT__PRINTF(3, 4);
static bool ft__jinja_parse_fail(ft__jparser *p, uint32_t line, const char *fmt, ...) {
    if (p->r.status) return false;
    va_list args;
    va_start(args, fmt);
    vsnprintf(p->r.message, sizeof p->r.message, fmt, args);
    va_end(args);
    p->r.status = FT_ERR_FORMAT;
    p->r.line = line;
    return false;
}

/* ---- tokens */

/* After an error only the end is seen, which ends every loop. */
static const ft__jtoken *ft__jinja_peek(const ft__jparser *p) {
    return &p->tokens.items[p->r.status ? p->tokens.n - 1 : p->at];
}

static const ft__jtoken *ft__jinja_next(ft__jparser *p) {
    const ft__jtoken *token = ft__jinja_peek(p);
    if (p->at + 1 < p->tokens.n) p->at++;
    return token;
}

static bool ft__jinja_is(const ft__jparser *p, uint32_t type) { return ft__jinja_peek(p)->type == type; }

static bool ft__jinja_is_word(const ft__jparser *p, const char *word) {
    const ft__jtoken *token = ft__jinja_peek(p);
    return token->type == FT__JT_NAME && ft__jinja_same(token->value.as.s, word);
}

static bool ft__jinja_skip(ft__jparser *p, uint32_t type) {
    bool is = ft__jinja_is(p, type);
    if (is) ft__jinja_next(p);
    return is;
}

static bool ft__jinja_skip_word(ft__jparser *p, const char *word) {
    bool is = ft__jinja_is_word(p, word);
    if (is) ft__jinja_next(p);
    return is;
}

/* What a token is, for messages. */
static void ft__jinja_describe(const ft__jtoken *token, char out[64]) {
    static const char *const names[] = {"the end of the template", "text", "'{{'", "'}}'", "'{%'", "'%}'"};
    if (token->type <= FT__JT_BLOCK_END) snprintf(out, 64, "%s", names[token->type]);
    else if (token->type == FT__JT_NAME || token->type == FT__JT_STRING)
        snprintf(out, 64, "%s'%.*s'", token->type == FT__JT_STRING ? "the string " : "",
                 (int)(token->value.as.s->len < 32 ? token->value.as.s->len : 32), token->value.as.s->data);
    else if (token->type <= FT__JT_FLOAT) snprintf(out, 64, "a number");
    else if (token->type < 256) snprintf(out, 64, "'%c'", (char)token->type);
    else snprintf(out, 64, "'%c%c'", (char)(token->type / 256), (char)(token->type % 256));
}

static void ft__jinja_expected(ft__jparser *p, const char *expected) {
    char found[64];
    const ft__jtoken *token = ft__jinja_peek(p);
    ft__jinja_describe(token, found);
    ft__jinja_parse_fail(p, token->line, "expected %s, found %s", expected, found);
}

static const ft__jtoken *ft__jinja_expect(ft__jparser *p, uint32_t type) {
    char expected[64];
    ft__jtoken wanted;
    if (ft__jinja_is(p, type)) return ft__jinja_next(p);
    memset(&wanted, 0, sizeof wanted);
    wanted.type = type;
    if (type == FT__JT_NAME) snprintf(expected, sizeof expected, "a name");
    else ft__jinja_describe(&wanted, expected);
    ft__jinja_expected(p, expected);
    return ft__jinja_peek(p);
}

/* The name expected here; an empty one after an error, so that nobody has to look. */
static ft__jv ft__jinja_expect_name(ft__jparser *p) {
    static const ft__jstr none = {"", 0, 0, NULL};
    const ft__jtoken *token = ft__jinja_expect(p, FT__JT_NAME);
    if (token->type == FT__JT_NAME && token->value.type == FT__JV_STR) return token->value;
    ft__jv v = ft__jinja_value(FT__JV_STR);
    v.as.s = &none;
    return v;
}

/* ---- nodes */

/* NULL where memory is out: the error is set then, and nobody looks at what came of it. */
static ft__jnode *ft__jinja_node(ft__jparser *p, ft__jnode_kind kind, uint32_t line) {
    ft__jnode *node = (ft__jnode *)ft__jinja_alloc(&p->r, 1, sizeof *node);
    if (!node) return NULL;
    node->kind = (uint8_t)kind;
    node->line = line;
    return node;
}

static uint32_t ft__jinja_intern(ft__jparser *p, ft__jv name) {
    if (p->r.status) return 0;
    const ft__jv *known = ft__jinja_dict_name(p->ids, name.as.s);
    if (known) return (uint32_t)known->as.i;
    uint32_t id = (uint32_t)p->ids->n;
    ft__jinja_dict_set(&p->r, p->ids, name, ft__jinja_int(id));
    return id;
}

static ft__jnode *ft__jinja_name_node(ft__jparser *p, ft__jv name, uint32_t line) {
    ft__jnode *node = ft__jinja_node(p, FT__JN_NAME, line);
    if (!node) return NULL;
    node->value = name;
    node->id = ft__jinja_intern(p, name);
    if (ft__jinja_same(name.as.s, "caller")) p->uses |= FT__JUSES_CALLER;
    if (ft__jinja_same(name.as.s, "kwargs")) p->uses |= FT__JUSES_KWARGS;
    if (ft__jinja_same(name.as.s, "varargs")) p->uses |= FT__JUSES_VARARGS;
    return node;
}

static ft__jnode *ft__jinja_const(ft__jparser *p, ft__jv value, uint32_t line) {
    ft__jnode *node = ft__jinja_node(p, FT__JN_CONST, line);
    if (node) node->value = value;
    return node;
}

static ft__jnode *ft__jinja_two(ft__jparser *p, ft__jnode_kind kind, ft__jnode *a, ft__jnode *b, uint32_t line) {
    ft__jnode *node = ft__jinja_node(p, kind, line);
    if (node) node->a = a, node->b = b;
    return node;
}

/* Appends at *tail and moves it. */
static void ft__jinja_append(ft__jnode ***tail, ft__jnode *node) {
    if (!node) return;
    **tail = node;
    *tail = &node->next;
}

/* ---- expressions */

enum { FT__JTUPLE_NO_COND = 1, FT__JTUPLE_PARENTHESES = 2, FT__JTUPLE_TARGET = 4, FT__JTUPLE_NAMESPACE = 8 };

static ft__jnode *ft__jinja_expression(ft__jparser *p);
static ft__jnode *ft__jinja_or(ft__jparser *p);
static ft__jnode *ft__jinja_tuple(ft__jparser *p, int how, const char *end_word);
static ft__jnode *ft__jinja_filters(ft__jparser *p, ft__jnode *node, bool inline_first);

/* Elements apart by commas up to `close`, the last of which may be followed by one. */
static ft__jnode *ft__jinja_elements(ft__jparser *p, uint32_t close, bool pairs) {
    ft__jnode *list = NULL, **tail = &list;
    while (!ft__jinja_is(p, close) && !p->r.status) {
        if (list) ft__jinja_expect(p, ',');
        if (ft__jinja_is(p, close)) break;
        ft__jnode *node = ft__jinja_expression(p);
        if (pairs) {
            ft__jinja_expect(p, ':');
            node = ft__jinja_two(p, FT__JN_PAIR, node, ft__jinja_expression(p), node ? node->line : 0);
        }
        ft__jinja_append(&tail, node);
    }
    ft__jinja_expect(p, close);
    return list;
}

static ft__jnode *ft__jinja_word(ft__jparser *p, const ft__jtoken *token, bool with_namespace) {
    const ft__jstr *s = token->value.as.s;
    if (ft__jinja_same(s, "true") || ft__jinja_same(s, "True"))
        return ft__jinja_const(p, ft__jinja_bool(true), token->line);
    if (ft__jinja_same(s, "false") || ft__jinja_same(s, "False"))
        return ft__jinja_const(p, ft__jinja_bool(false), token->line);
    if (ft__jinja_same(s, "none") || ft__jinja_same(s, "None"))
        return ft__jinja_const(p, ft__jinja_none(), token->line);
    ft__jnode *node = ft__jinja_name_node(p, token->value, token->line);
    if (node && with_namespace && ft__jinja_skip(p, '.')) {
        node->kind = FT__JN_NSREF;
        node->value = ft__jinja_expect_name(p);
    }
    return node;
}

static ft__jnode *ft__jinja_strings(ft__jparser *p, const ft__jtoken *token) {
    ft__jv value = token->value;
    while (ft__jinja_is(p, FT__JT_STRING) && !p->r.status)
        value = ft__jinja_concat(&p->r, value, ft__jinja_next(p)->value);
    return ft__jinja_const(p, value, token->line);
}

static ft__jnode *ft__jinja_primary(ft__jparser *p, bool with_namespace) {
    const ft__jtoken *token = ft__jinja_peek(p);
    ft__jnode *node = NULL;
    switch (token->type) {
    case FT__JT_NAME: return ft__jinja_word(p, ft__jinja_next(p), with_namespace);
    case FT__JT_STRING: return ft__jinja_strings(p, ft__jinja_next(p));
    case FT__JT_INT:
    case FT__JT_FLOAT: return ft__jinja_const(p, ft__jinja_next(p)->value, token->line);
    case '(':
        ft__jinja_next(p);
        node = ft__jinja_tuple(p, FT__JTUPLE_PARENTHESES, NULL);
        ft__jinja_expect(p, ')');
        return node;
    case '[':
    case '{':
        ft__jinja_next(p);
        node = ft__jinja_node(p, token->type == '[' ? FT__JN_LIST : FT__JN_DICT, token->line);
        if (node) node->args = ft__jinja_elements(p, token->type == '[' ? ']' : '}', token->type == '{');
        return node;
    default: ft__jinja_expected(p, "an expression"); return NULL;
    }
}

static ft__jnode *ft__jinja_subscript(ft__jparser *p) {
    uint32_t line = ft__jinja_peek(p)->line;
    ft__jnode *start = NULL;
    if (!ft__jinja_is(p, ':')) {
        start = ft__jinja_expression(p);
        if (!ft__jinja_is(p, ':')) return start;
    }
    ft__jinja_next(p);
    ft__jnode *slice = ft__jinja_node(p, FT__JN_SLICE, line);
    if (!slice) return NULL;
    slice->a = start;
    if (!ft__jinja_is(p, ':') && !ft__jinja_is(p, ']')) slice->b = ft__jinja_expression(p);
    if (ft__jinja_skip(p, ':') && !ft__jinja_is(p, ']')) slice->c = ft__jinja_expression(p);
    return slice;
}

static ft__jnode *ft__jinja_bracket(ft__jparser *p, ft__jnode *node, uint32_t line) {
    ft__jnode *list = NULL, **tail = &list;
    while (!ft__jinja_is(p, ']') && !p->r.status) {
        if (list) ft__jinja_expect(p, ',');
        ft__jnode *one = ft__jinja_subscript(p);
        if (one && one->kind == FT__JN_SLICE && (list || !ft__jinja_is(p, ']')))
            ft__jinja_parse_fail(p, line, "a slice among several indices is not supported");
        ft__jinja_append(&tail, one);
    }
    ft__jinja_expect(p, ']');
    if (!list || list->next) {
        ft__jnode *tuple = ft__jinja_node(p, FT__JN_TUPLE, line);
        if (tuple) tuple->args = list;
        list = tuple;
    }
    return ft__jinja_two(p, FT__JN_ITEM, node, list, line);
}

static ft__jnode *ft__jinja_argument(ft__jparser *p, int *stage) {
    const ft__jtoken *token = ft__jinja_peek(p);
    ft__jnode_kind kind = FT__JN_CONST;
    int now = 0; /* positions come first, then names, then *, then ** */
    if (ft__jinja_skip(p, '*')) kind = FT__JN_STAR, now = 2;
    else if (ft__jinja_skip(p, FT__JO_POW)) kind = FT__JN_STAR_STAR, now = 3;
    else if (token->type == FT__JT_NAME && p->tokens.items[p->at + 1].type == '=') kind = FT__JN_KEYWORD, now = 1;
    if (*stage > now || (*stage == now && now > 1)) {
        ft__jinja_parse_fail(p, token->line, "invalid order of arguments");
        return NULL;
    }
    *stage = now;
    if (now == 0) return ft__jinja_expression(p);
    if (now == 1) ft__jinja_next(p), ft__jinja_next(p);
    ft__jnode *node = ft__jinja_two(p, kind, ft__jinja_expression(p), NULL, token->line);
    if (node && now == 1) node->value = token->value;
    return node;
}

/* "(" arguments ")" */
static ft__jnode *ft__jinja_arguments(ft__jparser *p) {
    ft__jnode *list = NULL, **tail = &list;
    int stage = 0;
    ft__jinja_expect(p, '(');
    while (!ft__jinja_is(p, ')') && !p->r.status) {
        if (list) ft__jinja_expect(p, ',');
        if (ft__jinja_is(p, ')')) break;
        ft__jinja_append(&tail, ft__jinja_argument(p, &stage));
    }
    ft__jinja_expect(p, ')');
    return list;
}

static ft__jnode *ft__jinja_call_node(ft__jparser *p, ft__jnode *callee) {
    ft__jnode *node = ft__jinja_two(p, FT__JN_CALL, callee, NULL, ft__jinja_peek(p)->line);
    if (node) node->args = ft__jinja_arguments(p);
    return node;
}

static ft__jnode *ft__jinja_postfix(ft__jparser *p, ft__jnode *node) {
    while (!p->r.status) {
        uint32_t line = ft__jinja_peek(p)->line;
        if (ft__jinja_skip(p, '.')) {
            const ft__jtoken *token = ft__jinja_peek(p);
            if (token->type == FT__JT_INT) {
                ft__jinja_next(p);
                node = ft__jinja_two(p, FT__JN_ITEM, node, ft__jinja_const(p, token->value, line), line);
                continue;
            }
            ft__jv name = ft__jinja_expect_name(p);
            node = ft__jinja_two(p, FT__JN_ATTR, node, NULL, line);
            if (node) node->value = name;
        } else if (ft__jinja_skip(p, '[')) {
            node = ft__jinja_bracket(p, node, line);
        } else if (ft__jinja_is(p, '(')) {
            node = ft__jinja_call_node(p, node);
        } else {
            break;
        }
    }
    return node;
}

/* A name with dots, as filters and tests may have; none of those that exist here has any, so that
   `x|trim.upper()` is about an unknown filter. */
static ft__jv ft__jinja_dotted_name(ft__jparser *p) {
    ft__jv name = ft__jinja_expect_name(p);
    while (ft__jinja_skip(p, '.')) {
        name = ft__jinja_concat(&p->r, name, ft__jinja_str(&p->r, ".", 1));
        name = ft__jinja_concat(&p->r, name, ft__jinja_expect_name(p));
    }
    return name;
}

static void ft__jinja_check_known(ft__jparser *p, const ft__jnode *node, bool test) {
    if (!node || node->row || p->soft || p->unknown) return;
    p->unknown = node;
    p->unknown_test = test;
}

static ft__jnode *ft__jinja_filters(ft__jparser *p, ft__jnode *node, bool inline_first) {
    while ((inline_first || ft__jinja_is(p, '|')) && !p->r.status) {
        if (!inline_first) ft__jinja_next(p);
        inline_first = false;
        const uint32_t line = ft__jinja_peek(p)->line;
        ft__jv name = ft__jinja_dotted_name(p);
        node = ft__jinja_two(p, FT__JN_FILTER, node, NULL, line);
        if (!node) return NULL;
        node->value = name;
        node->row = ft__jinja_filter(name.as.s->data, name.as.s->len);
        ft__jinja_check_known(p, node, false);
        if (ft__jinja_is(p, '(')) node->args = ft__jinja_arguments(p);
    }
    return node;
}

/* After "is". */
static ft__jnode *ft__jinja_test_node(ft__jparser *p, ft__jnode *node, uint32_t line) {
    bool negated = ft__jinja_skip_word(p, "not");
    ft__jv name = ft__jinja_dotted_name(p);
    node = ft__jinja_two(p, FT__JN_TEST, node, NULL, line);
    if (!node) return NULL;
    node->value = name;
    node->row = ft__jinja_test(name.as.s->data, name.as.s->len);
    ft__jinja_check_known(p, node, true);
    uint32_t type = ft__jinja_peek(p)->type;
    if (type == '(') {
        node->args = ft__jinja_arguments(p);
    } else if ((type >= FT__JT_NAME && type <= FT__JT_FLOAT) || type == '[' || type == '{') {
        if (ft__jinja_is_word(p, "is")) ft__jinja_parse_fail(p, line, "tests with \"is\" cannot be chained");
        if (!ft__jinja_is_word(p, "else") && !ft__jinja_is_word(p, "or") && !ft__jinja_is_word(p, "and"))
            node->args = ft__jinja_postfix(p, ft__jinja_primary(p, false));
    }
    return negated ? ft__jinja_two(p, FT__JN_NOT, node, NULL, line) : node;
}

static ft__jnode *ft__jinja_unary(ft__jparser *p, bool with_filter) {
    const ft__jtoken *token = ft__jinja_peek(p);
    ft__jnode *node;
    if (!ft__jinja_down(&p->r)) return NULL;
    if (token->type == '-' || token->type == '+') {
        ft__jinja_next(p);
        node = ft__jinja_unary(p, false);
        node = ft__jinja_two(p, token->type == '-' ? FT__JN_NEG : FT__JN_POS, node, NULL, token->line);
    } else {
        node = ft__jinja_primary(p, false);
    }
    node = ft__jinja_postfix(p, node);
    while (with_filter && !p->r.status) {
        uint32_t line = ft__jinja_peek(p)->line;
        if (ft__jinja_is(p, '|')) node = ft__jinja_filters(p, node, false);
        else if (ft__jinja_skip_word(p, "is")) node = ft__jinja_test_node(p, node, line);
        else if (ft__jinja_is(p, '(')) node = ft__jinja_call_node(p, node);
        else break;
    }
    ft__jinja_up(&p->r);
    return node;
}

/* Operators of one level, left to right; `ops` ends with 0. */
static ft__jnode *ft__jinja_level(ft__jparser *p, const uint32_t *ops, ft__jnode *(*below)(ft__jparser *)) {
    uint32_t line = ft__jinja_peek(p)->line;
    ft__jnode *left = below(p);
    while (!p->r.status) {
        const uint32_t *op = ops;
        while (*op && !ft__jinja_is(p, *op)) op++;
        if (!*op) break;
        ft__jinja_next(p);
        left = ft__jinja_two(p, FT__JN_BINARY, left, below(p), line);
        if (left) left->op = (int)*op;
        line = ft__jinja_peek(p)->line;
    }
    return left;
}

static ft__jnode *ft__jinja_filtered(ft__jparser *p) { return ft__jinja_unary(p, true); }

static ft__jnode *ft__jinja_power(ft__jparser *p) {
    static const uint32_t ops[] = {FT__JO_POW, 0};
    return ft__jinja_level(p, ops, ft__jinja_filtered);
}

static ft__jnode *ft__jinja_product(ft__jparser *p) {
    static const uint32_t ops[] = {'*', '/', FT__JO_FLOORDIV, '%', 0};
    return ft__jinja_level(p, ops, ft__jinja_power);
}

static ft__jnode *ft__jinja_tilde(ft__jparser *p) {
    ft__jnode *first = ft__jinja_product(p);
    if (!ft__jinja_is(p, '~')) return first;
    ft__jnode *node = ft__jinja_node(p, FT__JN_CONCAT, ft__jinja_peek(p)->line);
    if (!node) return NULL;
    ft__jnode **tail = &node->args;
    ft__jinja_append(&tail, first);
    while (ft__jinja_skip(p, '~')) ft__jinja_append(&tail, ft__jinja_product(p));
    return node;
}

static ft__jnode *ft__jinja_sum(ft__jparser *p) {
    static const uint32_t ops[] = {'+', '-', 0};
    return ft__jinja_level(p, ops, ft__jinja_tilde);
}

/* The comparison here, moved past, or 0. */
static int ft__jinja_comparison(ft__jparser *p) {
    static const uint32_t ops[] = {FT__JO_EQ, FT__JO_NE, FT__JO_LE, FT__JO_GE, '<', '>'};
    for (size_t i = 0; i < FT__COUNT(ops); i++)
        if (ft__jinja_skip(p, ops[i])) return (int)ops[i];
    if (ft__jinja_skip_word(p, "in")) return FT__JO_IN;
    if (!ft__jinja_is_word(p, "not")) return 0;
    const ft__jtoken *after = &p->tokens.items[p->at + 1];
    if (after->type != FT__JT_NAME || !ft__jinja_same(after->value.as.s, "in")) return 0;
    ft__jinja_next(p);
    ft__jinja_next(p);
    return FT__JO_NOT_IN;
}

static ft__jnode *ft__jinja_compare_node(ft__jparser *p) {
    uint32_t line = ft__jinja_peek(p)->line;
    ft__jnode *first = ft__jinja_sum(p), *node = NULL, **tail = NULL;
    for (int op; !p->r.status && (op = ft__jinja_comparison(p)) != 0;) {
        if (!node) {
            node = ft__jinja_two(p, FT__JN_COMPARE, first, NULL, line);
            if (!node) return NULL;
            tail = &node->args;
        }
        ft__jnode *operand = ft__jinja_two(p, FT__JN_OPERAND, ft__jinja_sum(p), NULL, line);
        if (operand) operand->op = op;
        ft__jinja_append(&tail, operand);
    }
    return node ? node : first;
}

static ft__jnode *ft__jinja_not(ft__jparser *p) {
    uint32_t line = ft__jinja_peek(p)->line;
    if (!ft__jinja_is_word(p, "not")) return ft__jinja_compare_node(p);
    if (!ft__jinja_down(&p->r)) return NULL;
    ft__jinja_next(p);
    ft__jnode *node = ft__jinja_two(p, FT__JN_NOT, ft__jinja_not(p), NULL, line);
    ft__jinja_up(&p->r);
    return node;
}

static ft__jnode *ft__jinja_and(ft__jparser *p) {
    ft__jnode *left = ft__jinja_not(p);
    while (ft__jinja_skip_word(p, "and"))
        left = ft__jinja_two(p, FT__JN_AND, left, ft__jinja_not(p), left ? left->line : 0);
    return left;
}

static ft__jnode *ft__jinja_or(ft__jparser *p) {
    ft__jnode *left = ft__jinja_and(p);
    while (ft__jinja_skip_word(p, "or"))
        left = ft__jinja_two(p, FT__JN_OR, left, ft__jinja_and(p), left ? left->line : 0);
    return left;
}

/* a if b else c.  That it is a branch shows only after its first part was read. */
static ft__jnode *ft__jinja_expression(ft__jparser *p) {
    uint32_t line = ft__jinja_peek(p)->line;
    const ft__jnode *unknown = p->unknown;
    if (!ft__jinja_down(&p->r)) return NULL;
    ft__jnode *node = ft__jinja_or(p);
    while (ft__jinja_skip_word(p, "if")) {
        bool soft = p->soft;
        p->soft = true;
        p->unknown = unknown;
        node = ft__jinja_two(p, FT__JN_COND, node, ft__jinja_or(p), line);
        if (node && ft__jinja_skip_word(p, "else")) node->c = ft__jinja_expression(p);
        p->soft = soft;
    }
    ft__jinja_up(&p->r);
    return node;
}

static bool ft__jinja_tuple_ends(const ft__jparser *p, const char *end_word) {
    uint32_t type = ft__jinja_peek(p)->type;
    return type == FT__JT_PRINT_END || type == FT__JT_BLOCK_END || type == ')' ||
           (end_word && ft__jinja_is_word(p, end_word));
}

/* Expressions apart by commas: a tuple as soon as there is a comma. */
static ft__jnode *ft__jinja_tuple(ft__jparser *p, int how, const char *end_word) {
    ft__jnode *list = NULL, **tail = &list;
    uint32_t line = ft__jinja_peek(p)->line;
    bool is_tuple = false;
    while (!p->r.status) {
        if (list) ft__jinja_expect(p, ',');
        if (ft__jinja_tuple_ends(p, end_word)) break;
        if (how & FT__JTUPLE_TARGET)
            ft__jinja_append(&tail, ft__jinja_primary(p, (how & FT__JTUPLE_NAMESPACE) != 0));
        else if (how & FT__JTUPLE_NO_COND) ft__jinja_append(&tail, ft__jinja_or(p));
        else ft__jinja_append(&tail, ft__jinja_expression(p));
        if (!ft__jinja_is(p, ',')) break;
        is_tuple = true;
    }
    if (!is_tuple && list) return list;
    if (!is_tuple && !(how & FT__JTUPLE_PARENTHESES)) ft__jinja_expected(p, "an expression");
    ft__jnode *tuple = ft__jinja_node(p, FT__JN_TUPLE, line);
    if (tuple) tuple->args = list;
    return tuple;
}

static bool ft__jinja_assignable(const ft__jnode *node) {
    if (node->kind == FT__JN_NAME || node->kind == FT__JN_NSREF) return true;
    if (node->kind != FT__JN_TUPLE) return false;
    for (const ft__jnode *one = node->args; one; one = one->next)
        if (!ft__jinja_assignable(one)) return false;
    return true;
}

static ft__jnode *ft__jinja_target(ft__jparser *p, bool with_namespace, const char *end_word) {
    uint32_t line = ft__jinja_peek(p)->line;
    ft__jnode *node = ft__jinja_tuple(p, FT__JTUPLE_TARGET | (with_namespace ? FT__JTUPLE_NAMESPACE : 0), end_word);
    if (!p->r.status && !ft__jinja_assignable(node))
        ft__jinja_parse_fail(p, line, "this cannot be assigned to");
    return node;
}

/* ---- statements */

typedef struct ft__jtag {
    const char *name;
    ft__jnode *(*parse)(ft__jparser *p, uint32_t line); /* NULL: known, and not supported */
} ft__jtag;

static ft__jnode *ft__jinja_statement(ft__jparser *p);

static bool ft__jinja_is_among(const ft__jparser *p, const char *words) {
    const ft__jtoken *token = ft__jinja_peek(p);
    if (token->type != FT__JT_NAME) return false;
    for (size_t n; *words; words += n + (words[n] == ' ')) {
        n = strcspn(words, " ");
        if (ft__text_equal(words, n, token->value.as.s->data, token->value.as.s->len)) return true;
    }
    return false;
}

/* Up to one of the tags in `ends` (apart by blanks; NULL: the end of the template), which is then the
   current token. */
static ft__jnode *ft__jinja_until(ft__jparser *p, const char *ends) {
    ft__jnode *list = NULL, **tail = &list;
    if (!ft__jinja_down(&p->r)) return NULL;
    while (!p->r.status) {
        const ft__jtoken *token = ft__jinja_peek(p);
        ft__jnode *node = NULL;
        if (token->type == FT__JT_END) {
            if (ends)
                ft__jinja_parse_fail(p, token->line, "the template ends where one of these is missing: %s", ends);
            break;
        }
        ft__jinja_next(p);
        if (token->type == FT__JT_DATA) {
            node = ft__jinja_const(p, token->value, token->line);
            if (node) node->kind = FT__JN_TEXT;
        } else if (token->type == FT__JT_PRINT) {
            ft__jnode *value = ft__jinja_tuple(p, 0, NULL);
            node = ft__jinja_two(p, FT__JN_PRINT, NULL, NULL, token->line);
            if (node) node->args = value;
            ft__jinja_expect(p, FT__JT_PRINT_END);
        } else {
            if (ends && ft__jinja_is_among(p, ends)) break;
            node = ft__jinja_statement(p);
            ft__jinja_expect(p, FT__JT_BLOCK_END);
        }
        ft__jinja_append(&tail, node);
    }
    ft__jinja_up(&p->r);
    return list;
}

/* The statements inside a tag, from behind its "%}" up to its end. */
static ft__jnode *ft__jinja_body(ft__jparser *p, const char *ends) {
    ft__jinja_skip(p, ':');
    ft__jinja_expect(p, FT__JT_BLOCK_END);
    return ft__jinja_until(p, ends);
}

/* A body that is no branch, and its end tag. */
static ft__jnode *ft__jinja_hard_body(ft__jparser *p, const char *end) {
    bool soft = p->soft;
    p->soft = false;
    ft__jnode *body = ft__jinja_body(p, end);
    ft__jinja_next(p);
    p->soft = soft;
    return body;
}

/* A body that becomes a function of its own: break cannot leave it. */
static ft__jnode *ft__jinja_function_body(ft__jparser *p, const char *end) {
    int loops = p->loops;
    p->loops = 0;
    ft__jnode *body = ft__jinja_hard_body(p, end);
    p->loops = loops;
    return body;
}

static ft__jnode *ft__jinja_parse_if(ft__jparser *p, uint32_t line) {
    ft__jnode *first = ft__jinja_node(p, FT__JN_IF, line), *node = first;
    bool soft = p->soft;
    p->soft = true;
    while (node && !p->r.status) {
        node->a = ft__jinja_tuple(p, FT__JTUPLE_NO_COND, NULL);
        node->body = ft__jinja_body(p, "elif else endif");
        if (ft__jinja_skip_word(p, "elif")) {
            node->other = ft__jinja_node(p, FT__JN_IF, ft__jinja_peek(p)->line);
            node = node->other;
            continue;
        }
        if (ft__jinja_skip_word(p, "else")) node->other = ft__jinja_body(p, "endif");
        ft__jinja_next(p);
        break;
    }
    p->soft = soft;
    return first;
}

static ft__jnode *ft__jinja_parse_for(ft__jparser *p, uint32_t line) {
    ft__jnode *node = ft__jinja_node(p, FT__JN_FOR, line);
    if (!node) return NULL;
    node->a = ft__jinja_target(p, false, "in");
    if (!ft__jinja_skip_word(p, "in")) ft__jinja_expected(p, "\"in\"");
    node->b = ft__jinja_tuple(p, FT__JTUPLE_NO_COND, "recursive");
    bool soft = p->soft;
    p->soft = false;
    if (ft__jinja_skip_word(p, "if")) node->c = ft__jinja_expression(p);
    node->flag = ft__jinja_skip_word(p, "recursive");
    p->loops++;
    node->body = ft__jinja_body(p, "endfor else");
    p->loops--;
    if (ft__jinja_skip_word(p, "else")) node->other = ft__jinja_body(p, "endfor");
    ft__jinja_next(p);
    p->soft = soft;
    return node;
}

static ft__jnode *ft__jinja_parse_set(ft__jparser *p, uint32_t line) {
    ft__jnode *target = ft__jinja_target(p, true, NULL);
    ft__jnode *node = ft__jinja_two(p, FT__JN_SET, target, NULL, line);
    if (!node) return NULL;
    if (ft__jinja_skip(p, '=')) {
        node->b = ft__jinja_tuple(p, 0, NULL);
        return node;
    }
    node->kind = FT__JN_SET_BLOCK;
    bool soft = p->soft;
    p->soft = false;
    node->b = ft__jinja_filters(p, NULL, false);
    p->soft = soft;
    node->body = ft__jinja_hard_body(p, "endset");
    return node;
}

/* "(" a, b=1 ")" */
static ft__jnode *ft__jinja_signature(ft__jparser *p) {
    ft__jnode *list = NULL, **tail = &list;
    bool defaults = false;
    ft__jinja_expect(p, '(');
    while (!ft__jinja_is(p, ')') && !p->r.status) {
        if (list) ft__jinja_expect(p, ',');
        uint32_t line = ft__jinja_peek(p)->line;
        ft__jnode *param = ft__jinja_node(p, FT__JN_PARAM, line);
        if (!param) return NULL;
        param->value = ft__jinja_expect_name(p);
        param->id = ft__jinja_intern(p, param->value);
        if (ft__jinja_skip(p, '=')) param->a = ft__jinja_expression(p);
        else if (defaults) ft__jinja_parse_fail(p, line,
                                                "a parameter without a default follows one with a default");
        defaults = defaults || param->a;
        ft__jinja_append(&tail, param);
    }
    ft__jinja_expect(p, ')');
    return list;
}

/* The body of a macro or call block; what it uses is known then. */
static void ft__jinja_macro_body(ft__jparser *p, ft__jnode *node, const char *end) {
    uint8_t uses = p->uses;
    p->uses = 0;
    node->body = ft__jinja_function_body(p, end);
    node->uses = p->uses;
    for (const ft__jnode *param = node->args; param; param = param->next) {
        if (ft__jinja_same(param->value.as.s, "caller")) {
            if (!param->a && (node->uses & FT__JUSES_CALLER))
                ft__jinja_parse_fail(p, node->line, "the parameter \"caller\" must have a default or be left out");
            node->uses &= (uint8_t)~FT__JUSES_CALLER;
        }
        if (ft__jinja_same(param->value.as.s, "kwargs")) node->uses &= (uint8_t)~FT__JUSES_KWARGS;
        if (ft__jinja_same(param->value.as.s, "varargs")) node->uses &= (uint8_t)~FT__JUSES_VARARGS;
    }
    p->uses |= uses;
}

static ft__jnode *ft__jinja_parse_macro(ft__jparser *p, uint32_t line) {
    ft__jnode *node = ft__jinja_node(p, FT__JN_MACRO, line);
    bool soft = p->soft;
    if (!node) return NULL;
    node->value = ft__jinja_expect_name(p);
    node->id = ft__jinja_intern(p, node->value);
    p->soft = false;
    node->args = ft__jinja_signature(p);
    p->soft = soft;
    ft__jinja_macro_body(p, node, "endmacro");
    return node;
}

static ft__jnode *ft__jinja_parse_call(ft__jparser *p, uint32_t line) {
    ft__jnode *node = ft__jinja_node(p, FT__JN_CALL_BLOCK, line);
    if (!node) return NULL;
    if (ft__jinja_is(p, '(')) node->args = ft__jinja_signature(p);
    node->a = ft__jinja_expression(p);
    if (!p->r.status && node->a->kind != FT__JN_CALL) ft__jinja_parse_fail(p, line, "{%% call %%} needs a call");
    ft__jinja_macro_body(p, node, "endcall");
    return node;
}

static ft__jnode *ft__jinja_parse_filter(ft__jparser *p, uint32_t line) {
    ft__jnode *node = ft__jinja_node(p, FT__JN_FILTER_BLOCK, line);
    bool soft = p->soft;
    if (!node) return NULL;
    p->soft = false;
    node->b = ft__jinja_filters(p, NULL, true);
    p->soft = soft;
    node->body = ft__jinja_hard_body(p, "endfilter");
    return node;
}

static ft__jnode *ft__jinja_parse_with(ft__jparser *p, uint32_t line) {
    ft__jnode *node = ft__jinja_node(p, FT__JN_WITH, line);
    if (!node) return NULL;
    for (ft__jnode **tail = &node->args; !ft__jinja_is(p, FT__JT_BLOCK_END) && !p->r.status;) {
        if (node->args) ft__jinja_expect(p, ',');
        ft__jnode *target = ft__jinja_target(p, false, NULL);
        ft__jinja_expect(p, '=');
        ft__jinja_append(&tail, ft__jinja_two(p, FT__JN_SET, target, ft__jinja_expression(p), line));
    }
    node->body = ft__jinja_hard_body(p, "endwith");
    return node;
}

/* Hugging Face's tag around what the assistant said: the text is printed as it is. */
static ft__jnode *ft__jinja_parse_generation(ft__jparser *p, uint32_t line) {
    ft__jnode *node = ft__jinja_node(p, FT__JN_SCOPE, line);
    if (node) node->body = ft__jinja_function_body(p, "endgeneration");
    return node;
}

static ft__jnode *ft__jinja_parse_print(ft__jparser *p, uint32_t line) {
    ft__jnode *node = ft__jinja_node(p, FT__JN_PRINT, line);
    if (!node) return NULL;
    for (ft__jnode **tail = &node->args; !ft__jinja_is(p, FT__JT_BLOCK_END) && !p->r.status;) {
        if (node->args) ft__jinja_expect(p, ',');
        ft__jinja_append(&tail, ft__jinja_expression(p));
    }
    return node;
}

static ft__jnode *ft__jinja_parse_break(ft__jparser *p, uint32_t line) {
    if (p->loops == 0) ft__jinja_parse_fail(p, line, "{%% break %%} outside of a loop");
    return ft__jinja_node(p, FT__JN_BREAK, line);
}

static ft__jnode *ft__jinja_parse_continue(ft__jparser *p, uint32_t line) {
    if (p->loops == 0) ft__jinja_parse_fail(p, line, "{%% continue %%} outside of a loop");
    return ft__jinja_node(p, FT__JN_CONTINUE, line);
}

static const ft__jtag ft__jinja_tags[] = {
    {"if", ft__jinja_parse_if},         {"for", ft__jinja_parse_for},
    {"set", ft__jinja_parse_set},       {"macro", ft__jinja_parse_macro},
    {"call", ft__jinja_parse_call},     {"filter", ft__jinja_parse_filter},
    {"with", ft__jinja_parse_with},     {"generation", ft__jinja_parse_generation},
    {"print", ft__jinja_parse_print},   {"break", ft__jinja_parse_break},
    {"continue", ft__jinja_parse_continue},
    {"include", NULL}, {"import", NULL}, {"from", NULL}, {"extends", NULL}, {"block", NULL}, {"autoescape", NULL},
};

static ft__jnode *ft__jinja_statement(ft__jparser *p) {
    const ft__jtoken *token = ft__jinja_peek(p);
    ft__jv name = ft__jinja_expect_name(p);
    for (size_t i = 0; i < FT__COUNT(ft__jinja_tags) && !p->r.status; i++) {
        const ft__jtag *tag = &ft__jinja_tags[i];
        if (!ft__jinja_same(name.as.s, tag->name)) continue;
        if (tag->parse) return tag->parse(p, token->line);
        ft__jinja_parse_fail(p, token->line, "{%% %s %%} is not supported", tag->name);
        p->r.status = FT_ERR_UNSUPPORTED;
    }
    ft__jinja_parse_fail(p, token->line, "unknown tag {%% %.*s %%}",
                         (int)(name.as.s->len < 40 ? name.as.s->len : 40),
                         name.as.s->data);
    return NULL;
}

/* ---- the whole */

/* Names are numbered in the order they were met; some are those of functions. */
static bool ft__jinja_finish(ft__jparser *p, ft_template *t) {
    ft__jdict *ids = t->ids = p->ids;
    t->n_names = (uint32_t)ids->n;
    t->functions = (const ft__jrow **)ft__jinja_alloc(&p->r, ids->n, sizeof *t->functions);
    if (!t->functions) return false;
    for (size_t i = 0; i < ids->n; i++)
        t->functions[i] = ft__jinja_function(ids->entries[i].key.as.s->data, ids->entries[i].key.as.s->len);
    return true;
}

static uint32_t ft__jinja_special(ft__jparser *p, const char *name) {
    ft__jv text = ft__jinja_str(&p->r, name, strlen(name));
    return p->r.status ? 0 : ft__jinja_intern(p, text);
}

static ft_status ft__jinja_parse_all(ft__jparser *p, ft_template *t, const char *source, size_t n) {
    ft__jv ids = ft__jinja_dict(&p->r);
    p->ids = ids.as.dict;
    p->line = ft__jinja_lex(&p->r, source, n, &p->tokens);
    if (!p->r.status) t->body = ft__jinja_until(p, NULL);
    if (!p->r.status && p->unknown) {
        const ft__jstr *s = p->unknown->value.as.s;
        ft__jinja_parse_fail(p, p->unknown->line, "there is no %s named '%.*s'",
                             p->unknown_test ? "test" : "filter",
                             (int)(s->len < 40 ? s->len : 40), s->data);
        p->r.status = FT_ERR_UNSUPPORTED;
    }
    if (p->r.status) return p->r.status;
    t->id_loop = ft__jinja_special(p, "loop");
    t->id_caller = ft__jinja_special(p, "caller");
    t->id_kwargs = ft__jinja_special(p, "kwargs");
    t->id_varargs = ft__jinja_special(p, "varargs");
    if (!p->r.status && ft__jinja_finish(p, t)) {
        p->r.limit.depth = FT__JINJA_DEPTH; /* expressions may be deeper than their source is nested */
        ft__jinja_scan(&p->r, t);
    }
    return p->r.status;
}

FT__PRIV ft_template *ft__jinja_parse(const char *source, size_t n, const char *name, const ft_allocator *a,
                                      ft_error *err) {
    static const ft__jlimits limits = {1u << 28, (size_t)1 << 28, (size_t)1 << 26, 200};
    ft_allocator allocator = ft__allocator(a);
    char where[320];
    ft_template *t = (ft_template *)ft__alloc_zero(&allocator, 1, sizeof *t);
    ft__jparser *p = (ft__jparser *)ft__alloc_zero(&allocator, 1, sizeof *p);
    if (!t || !p) {
        ft__free(&allocator, t);
        ft__free(&allocator, p);
        ft__fail_memory(err);
        return NULL;
    }
    t->allocator = allocator;
    ft__jinja_init(&p->r, t, NULL, &limits);
    t->name = ft__arena_text(&p->r.arena, name ? name : "template", strlen(name ? name : "template"));
    ft_status status = t->name ? ft__jinja_parse_all(p, t, source, n) : FT_ERR_MEMORY;
    snprintf(where, sizeof where, "%.300s:%u", t->name ? t->name : "", (unsigned)(p->r.line ? p->r.line : p->line));
    if (status == FT_ERR_MEMORY) ft__fail_memory(err);
    else if (status) ft__fail(err, status, where, "%s", p->r.message);
    t->arena = p->r.arena;
    p->r.arena.blocks = NULL;
    ft__jinja_done(&p->r);
    ft__free(&allocator, p->tokens.items);
    ft__free(&allocator, p);
    if (!status) return t;
    ft__arena_free(&t->arena);
    ft__free(&allocator, t);
    return NULL;
}
