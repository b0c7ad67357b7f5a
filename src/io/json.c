/* JSON: a strict parser (RFC 8259), questions to its values, and a writer.

   The parser walks the text once.  A string is first checked up to its closing quote, which tells
   how much room it needs, then copied in one go, or decoded if it holds escapes.  Values are nodes
   in the caller's arena, a scalar's text right behind its node; children are appended at the list's
   end, so that an object of a million members costs no more per member than one of three.  Only
   containers recurse, and FT__JSON_MAX_DEPTH bounds them. */
#include "json.h"

typedef struct ft__json_parser {
    const char *p, *end, *line_start;
    const char *name;
    uint32_t line;
    int depth;
    ft__arena *arena;
    ft_error *err;
} ft__json_parser;

static ft_status ft__json_read_value(ft__json_parser *r, ft__json **value);

/* ---- errors */

static ft_status ft__json_fail(ft__json_parser *r, ft_status code, const char *message) {
    char where[sizeof r->err->where];
    size_t column = 1;
    for (const char *p = r->line_start; p < r->p; p++)
        if ((*p & 0xC0) != 0x80) column++; /* in characters */
    if (r->name && *r->name)
        snprintf(where, sizeof where, "%.360s:%lu", r->name, (unsigned long)r->line);
    else
        snprintf(where, sizeof where, "line %lu", (unsigned long)r->line);
    return ft__fail(r->err, code, where, "%s at column %zu", message, column);
}

/* Printable ASCII as it is; anything else by its number, so that a message is always clean text. */
static ft_status ft__json_expected(ft__json_parser *r, const char *expected) {
    char message[160];
    const char *p = r->p;
    if (p == r->end) {
        snprintf(message, sizeof message, "expected %s, found the end of the text", expected);
        return ft__json_fail(r, FT_ERR_FORMAT, message);
    }
    unsigned byte = (unsigned char)*p;
    uint32_t c = ft__utf8_next(&p, r->end);
    if (c > 0x20 && c < 0x7F)
        snprintf(message, sizeof message, "expected %s, found '%c'", expected, (char)c);
    else if (c == FT__BAD_UTF8)
        snprintf(message, sizeof message, "expected %s, found the byte 0x%02X", expected, byte);
    else
        snprintf(message, sizeof message, "expected %s, found U+%04lX", expected, (unsigned long)c);
    return ft__json_fail(r, FT_ERR_FORMAT, message);
}

/* ---- parsing */

static void ft__json_skip_blanks(ft__json_parser *r) {
    for (; r->p < r->end; r->p++) {
        if (*r->p == '\n') {
            r->line++;
            r->line_start = r->p + 1;
        } else if (*r->p != ' ' && *r->p != '\t' && *r->p != '\r') {
            return;
        }
    }
}

static bool ft__json_at(const ft__json_parser *r, char c) { return r->p < r->end && *r->p == c; }

/* A node with n bytes of text behind it (n 0: none). */
static ft__json *ft__json_new(ft__json_parser *r, ft__json_type type, size_t n) {
    size_t size;
    if (!ft__add_size(sizeof(ft__json), n, &size)) return NULL;
    ft__json *v = (ft__json *)ft__arena_alloc(r->arena, 1, size);
    if (!v) return NULL;
    v->type = type;
    v->line = r->line;
    if (n) v->text = (const char *)(v + 1);
    return v;
}

static bool ft__json_hex4(const char *p, const char *end, uint32_t *value) {
    if (end - p < 4) return false;
    *value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i], letter = (char)(c | 0x20);
        bool digit = c >= '0' && c <= '9';
        if (!digit && (letter < 'a' || letter > 'f')) return false;
        *value = *value << 4 | (uint32_t)(digit ? c - '0' : letter - 'a' + 10);
    }
    return true;
}

/* The letters of the short escapes and, in the same order, what they mean. */
static const char ft__json_escapes[] = "\"\\/bfnrt";
static const char ft__json_escaped[] = "\"\\/\b\f\n\r\t";

/* From a backslash past the whole escape; a pair of surrogates is one.  Half a pair is no text. */
static ft_status ft__json_check_escape(ft__json_parser *r) {
    uint32_t unit, low;
    const char *start = r->p++;
    if (r->p == r->end || *r->p == 0 || !strchr("\"\\/bfnrtu", *r->p))
        return ft__json_expected(r, "one of \"\\/bfnrtu after the backslash");
    if (*r->p++ != 'u') return FT_OK;
    if (!ft__json_hex4(r->p, r->end, &unit))
        return ft__json_expected(r, "four hexadecimal digits after \\u");
    r->p += 4;
    if (unit < 0xD800 || unit > 0xDFFF) return FT_OK;
    if (unit >= 0xDC00 || r->end - r->p < 6 || r->p[0] != '\\' || r->p[1] != 'u' ||
        !ft__json_hex4(r->p + 2, r->end, &low) || low < 0xDC00 || low > 0xDFFF) {
        r->p = start;
        return ft__json_fail(r, FT_ERR_FORMAT, "\\u escape of half a surrogate pair");
    }
    r->p += 6;
    return FT_OK;
}

/* From the opening quote past the closing one; what is between them is valid and *n bytes long. */
static ft_status ft__json_check_string(ft__json_parser *r, const char **start, size_t *n,
                                       bool *has_escapes) {
    ft_status status = FT_OK;
    *start = ++r->p;
    *has_escapes = false;
    while (status == FT_OK) {
        while (r->p < r->end && (unsigned char)*r->p >= 0x20 && (unsigned char)*r->p < 0x80 &&
               *r->p != '"' && *r->p != '\\')
            r->p++;
        if (r->p == r->end) return ft__json_expected(r, "'\"' at the end of the string");
        if (*r->p == '"') break;
        const char *next = r->p;
        if (*r->p == '\\') {
            *has_escapes = true;
            status = ft__json_check_escape(r);
        } else if ((unsigned char)*r->p < 0x20) {
            status = ft__json_expected(r, "an escape for a control character");
        } else if (ft__utf8_next(&next, r->end) == FT__BAD_UTF8) {
            status = ft__json_expected(r, "valid UTF-8");
        } else {
            r->p = next;
        }
    }
    *n = (size_t)(r->p++ - *start);
    return status;
}

/* Decodes a checked string; the result is never longer. */
static size_t ft__json_unescape(const char *text, size_t n, char *out) {
    const char *p = text, *end = text + n;
    char *to = out;
    while (p < end) {
        uint32_t c = 0, low = 0;
        if (*p != '\\') {
            *to++ = *p++;
        } else if (p[1] != 'u') {
            *to++ = ft__json_escaped[strchr(ft__json_escapes, p[1]) - ft__json_escapes];
            p += 2;
        } else {
            ft__json_hex4(p + 2, end, &c);
            p += 6;
            if (c >= 0xD800 && c <= 0xDFFF) {
                ft__json_hex4(p + 2, end, &low);
                c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
                p += 6;
            }
            to += ft__utf8_encode(c, to);
        }
    }
    return (size_t)(to - out);
}

static size_t ft__json_copy(const char *text, size_t n, bool has_escapes, char *out) {
    if (has_escapes) return ft__json_unescape(text, n, out);
    memcpy(out, text, n);
    return n;
}

static ft_status ft__json_read_string(ft__json_parser *r, ft__json **value) {
    const char *start;
    size_t n;
    bool has_escapes;
    ft_status status = ft__json_check_string(r, &start, &n, &has_escapes);
    if (status != FT_OK) return status;
    ft__json *v = ft__json_new(r, FT__JSON_STRING, n + 1);
    if (!v) return ft__fail_memory(r->err);
    v->text_len = ft__json_copy(start, n, has_escapes, (char *)(v + 1));
    *value = v;
    return FT_OK;
}

/* A key and its colon. */
static ft_status ft__json_read_key(ft__json_parser *r, const char **key, size_t *key_len) {
    const char *start;
    size_t n;
    bool has_escapes;
    ft__json_skip_blanks(r);
    if (!ft__json_at(r, '"')) return ft__json_expected(r, "a key in double quotes");
    ft_status status = ft__json_check_string(r, &start, &n, &has_escapes);
    if (status != FT_OK) return status;
    char *copy = (char *)ft__arena_alloc(r->arena, n + 1, 1);
    if (!copy) return ft__fail_memory(r->err);
    *key_len = ft__json_copy(start, n, has_escapes, copy);
    *key = copy;
    ft__json_skip_blanks(r);
    if (!ft__json_at(r, ':')) return ft__json_expected(r, "':' after the key");
    r->p++;
    return FT_OK;
}

static bool ft__json_skip_digits(ft__json_parser *r) {
    const char *start = r->p;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9') r->p++;
    return r->p > start;
}

static ft_status ft__json_read_number(ft__json_parser *r, ft__json **value) {
    const char *start = r->p;
    bool ok = true;
    if (*r->p == '-') r->p++;
    if (ft__json_at(r, '0'))
        r->p++; /* no digit may follow a leading zero */
    else
        ok = ft__json_skip_digits(r);
    if (ok && ft__json_at(r, '.')) {
        r->p++;
        ok = ft__json_skip_digits(r);
    }
    if (ok && (ft__json_at(r, 'e') || ft__json_at(r, 'E'))) {
        r->p++;
        if (ft__json_at(r, '+') || ft__json_at(r, '-')) r->p++;
        ok = ft__json_skip_digits(r);
    }
    if (!ok) return ft__json_expected(r, "a digit");

    size_t n = (size_t)(r->p - start);
    ft__json *v = ft__json_new(r, FT__JSON_NUMBER, n + 1);
    if (!v) return ft__fail_memory(r->err);
    memcpy((char *)(v + 1), start, n);
    v->text_len = n;
    if (!ft__number_parse(start, n, &v->number)) {
        r->p = start;
        return ft__json_fail(r, FT_ERR_FORMAT, "number too large for a double");
    }
    *value = v;
    return FT_OK;
}

static ft_status ft__json_read_word(ft__json_parser *r, ft__json_type type, const char *word,
                                    ft__json **value) {
    size_t n = strlen(word);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
        return ft__json_expected(r, "a value");
    r->p += n;
    *value = ft__json_new(r, type, 0);
    return *value ? FT_OK : ft__fail_memory(r->err);
}

/* An array or an object. */
static ft_status ft__json_read_container(ft__json_parser *r, ft__json_type type, ft__json **value) {
    bool is_object = type == FT__JSON_OBJECT;
    char close = is_object ? '}' : ']';
    ft_status status = FT_OK;
    ft__json *v = ft__json_new(r, type, 0);
    if (!v) return ft__fail_memory(r->err);
    if (r->depth == FT__JSON_MAX_DEPTH)
        return ft__json_fail(r, FT_ERR_LIMIT, "arrays and objects nested too deeply");
    r->depth++;
    r->p++;
    *value = v;
    ft__json_skip_blanks(r);
    for (ft__json **tail = &v->child; v->count > 0 || !ft__json_at(r, close);) {
        const char *key = NULL;
        size_t key_len = 0;
        if (is_object) status = ft__json_read_key(r, &key, &key_len);
        if (status == FT_OK) status = ft__json_read_value(r, tail);
        if (status != FT_OK) return status;
        (*tail)->key = key;
        (*tail)->key_len = key_len;
        tail = &(*tail)->next;
        v->count++;
        ft__json_skip_blanks(r);
        if (ft__json_at(r, close)) break;
        if (!ft__json_at(r, ','))
            return ft__json_expected(r, is_object ? "',' or '}'" : "',' or ']'");
        r->p++;
    }
    r->p++;
    r->depth--;
    return FT_OK;
}

static ft_status ft__json_read_value(ft__json_parser *r, ft__json **value) {
    ft__json_skip_blanks(r);
    if (r->p == r->end) return ft__json_expected(r, "a value");
    switch (*r->p) {
    case '{': return ft__json_read_container(r, FT__JSON_OBJECT, value);
    case '[': return ft__json_read_container(r, FT__JSON_ARRAY, value);
    case '"': return ft__json_read_string(r, value);
    case 't': return ft__json_read_word(r, FT__JSON_TRUE, "true", value);
    case 'f': return ft__json_read_word(r, FT__JSON_FALSE, "false", value);
    case 'n': return ft__json_read_word(r, FT__JSON_NULL, "null", value);
    default: break;
    }
    if (*r->p == '-' || (*r->p >= '0' && *r->p <= '9')) return ft__json_read_number(r, value);
    return ft__json_expected(r, "a value");
}

FT__PRIV ft_status ft__json_parse(const char *text, size_t n, const char *name, uint32_t first_line,
                                  ft__arena *arena, ft__json **value, ft_error *err) {
    const char *start = n ? text : "";
    ft__json_parser r = {start, start + n, start, name, first_line, 0, arena, err};
    ft__json *v = NULL;
    *value = NULL;
    ft_status status = ft__json_read_value(&r, &v);
    if (status != FT_OK) return status;
    ft__json_skip_blanks(&r);
    if (r.p < r.end) return ft__json_expected(&r, "nothing more after the value");
    *value = v;
    return FT_OK;
}

FT__PRIV ft_status ft__json_valid(const char *text, size_t n, const ft_allocator *a, bool *valid) {
    ft__arena arena;
    ft__json *value;
    ft__arena_init(&arena, a);
    ft_status status = ft__json_parse(text, n, NULL, 1, &arena, &value, NULL);
    ft__arena_free(&arena);
    *valid = status == FT_OK;
    return status == FT_ERR_MEMORY ? status : FT_OK;
}

/* ---- questions */

static ft__json *ft__json_member(const ft__json *object, const char *key, size_t n) {
    ft__json *found = NULL;
    if (!object || object->type != FT__JSON_OBJECT) return NULL;
    for (ft__json *m = object->child; m; m = m->next)
        if (ft__text_equal(m->key, m->key_len, key, n)) found = m;
    return found;
}

FT__PRIV ft__json *ft__json_get(const ft__json *object, const char *key) {
    return ft__json_member(object, key, strlen(key));
}

/* Longest first key first.  Each step goes into a child, so the nesting bounds the recursion, and a
   value is reached by one way only, so nothing is searched twice. */
FT__PRIV ft__json *ft__json_path(const ft__json *object, const char *path) {
    size_t n = strlen(path);
    ft__json *found = ft__json_member(object, path, n);
    while (!found && n-- > 0) {
        if (path[n] != '.') continue;
        ft__json *first = ft__json_member(object, path, n);
        if (first) found = ft__json_path(first, path + n + 1);
    }
    return found;
}

FT__PRIV const char *ft__json_type_name(ft__json_type type) {
    static const char *const names[] = {"null",   "boolean", "boolean", "number",
                                        "string", "array",   "object"};
    return names[type];
}

FT__PRIV bool ft__json_is_integer(const ft__json *value, double lowest, double highest) {
    return value && value->type == FT__JSON_NUMBER && value->number >= lowest &&
           value->number <= highest && ft__floor(value->number) == value->number;
}

/* Of a repeated key only the last member counts.  Linear where both have the same order, else
   quadratic: for large values there is ft__json_compare. */
static bool ft__json_equal_objects(const ft__json *a, const ft__json *b) {
    const ft__json *x = a->child, *y = b->child;
    while (x && y && ft__text_equal(x->key, x->key_len, y->key, y->key_len) && ft__json_equal(x, y))
        x = x->next, y = y->next;
    if (!x && !y) return true;
    for (const ft__json *m = a->child; m; m = m->next) {
        const ft__json *other = ft__json_member(b, m->key, m->key_len);
        if (!other) return false;
        if (ft__json_member(a, m->key, m->key_len) == m && !ft__json_equal(m, other)) return false;
    }
    for (const ft__json *m = b->child; m; m = m->next)
        if (!ft__json_member(a, m->key, m->key_len)) return false;
    return true;
}

FT__PRIV bool ft__json_equal(const ft__json *a, const ft__json *b) {
    if (a->type != b->type) return false;
    switch (a->type) {
    case FT__JSON_NUMBER: return a->number == b->number;
    case FT__JSON_STRING: return ft__text_equal(a->text, a->text_len, b->text, b->text_len);
    case FT__JSON_OBJECT: return ft__json_equal_objects(a, b);
    case FT__JSON_ARRAY: break;
    default: return true;
    }
    if (a->count != b->count) return false;
    const ft__json *y = b->child;
    for (const ft__json *x = a->child; x; x = x->next, y = y->next)
        if (!ft__json_equal(x, y)) return false;
    return true;
}

/* ---- order */

FT__PRIV ft__decimal ft__decimal_of(const ft__json *number) {
    const char *p = number->text, *end = p + number->text_len, *point = NULL;
    ft__decimal d = {NULL, NULL, 0, false};
    bool below = false;
    if (*p == '-') d.negative = true, p++;
    for (; p < end && (*p | 32) != 'e'; p++) {
        if (*p == '.') point = p;
        else if (*p != '0' && !d.digits) d.digits = p;
        if (*p != '.' && *p != '0') d.end = p + 1;
    }
    const char *last = point ? point : p; /* where the whole part ends */
    if (d.digits) d.exponent = d.digits < last ? last - d.digits : last + 1 - d.digits;
    if (p < end) p++;
    if (p < end && (*p == '-' || *p == '+')) below = *p++ == '-';
    int64_t power = 0;
    for (; p < end; p++)
        if (power < INT64_MAX / 100) power = 10 * power + (*p - '0');
    d.exponent += below ? -power : power;
    return d;
}

/* The digits of two decimals, position by position. */
static int ft__decimal_compare_digits(const ft__decimal *a, const ft__decimal *b) {
    const char *p = a->digits, *q = b->digits;
    for (;; p++, q++) {
        if (p < a->end && *p == '.') p++;
        if (q < b->end && *q == '.') q++;
        if (p == a->end || q == b->end) return (p < a->end) - (q < b->end);
        if (*p != *q) return *p < *q ? -1 : 1;
    }
}

FT__PRIV int ft__json_compare_numbers(const ft__json *a, const ft__json *b) {
    /* Rounding to doubles never turned them around. */
    if (a->number != b->number) return a->number < b->number ? -1 : 1;
    if (!a->text || !b->text || ft__text_equal(a->text, a->text_len, b->text, b->text_len))
        return 0;
    ft__decimal x = ft__decimal_of(a), y = ft__decimal_of(b);
    int sign = x.negative ? -1 : 1, order;
    if (!x.digits || !y.digits) {
        if (!x.digits && !y.digits) return 0;
        return x.digits ? sign : y.negative ? 1 : -1;
    }
    if (x.negative != y.negative) return sign; /* both too small for a double */
    if (x.exponent != y.exponent) order = x.exponent < y.exponent ? -1 : 1;
    else order = ft__decimal_compare_digits(&x, &y);
    return sign * order;
}

static int ft__json_compare_texts(const char *a, size_t n_a, const char *b, size_t n_b) {
    size_t n = n_a < n_b ? n_a : n_b;
    int order = n ? memcmp(a, b, n) : 0;
    return order ? order : (n_a > n_b) - (n_a < n_b);
}

FT__PRIV int ft__json_compare_keys(const ft__json *a, const ft__json *b) {
    return ft__json_compare_texts(a->key, a->key_len, b->key, b->key_len);
}

/* The first n members of *rest, sorted; *rest moves behind them.  Those with one key stay in their
   order. */
static ft__json *ft__json_sort_members(ft__json **rest, size_t n) {
    ft__json *first = *rest, *list = NULL, **tail = &list;
    if (n == 1) {
        *rest = first->next;
        first->next = NULL;
        return first;
    }
    ft__json *a = ft__json_sort_members(rest, n / 2), *b = ft__json_sort_members(rest, n - n / 2);
    while (a && b) {
        ft__json **next = ft__json_compare_keys(a, b) <= 0 ? &a : &b;
        *tail = *next;
        tail = &(*tail)->next;
        *next = *tail;
    }
    *tail = a ? a : b;
    return list;
}

static void ft__json_sort_object(ft__json *object) {
    const ft__json *m = object->child;
    while (m && m->next && ft__json_compare_keys(m, m->next) < 0) m = m->next;
    if (!m || !m->next) return; /* sorted already */
    ft__json *rest = object->child;
    object->child = ft__json_sort_members(&rest, object->count);
    for (ft__json **link = &object->child; (*link)->next;) {
        if (ft__json_compare_keys(*link, (*link)->next) != 0) {
            link = &(*link)->next;
        } else {
            *link = (*link)->next;
            object->count--;
        }
    }
}

FT__PRIV void ft__json_sort(ft__json *value) {
    if (value->type == FT__JSON_OBJECT) ft__json_sort_object(value);
    if (value->type != FT__JSON_OBJECT && value->type != FT__JSON_ARRAY) return;
    for (ft__json *v = value->child; v; v = v->next) ft__json_sort(v);
}

FT__PRIV int ft__json_compare(const ft__json *a, const ft__json *b) {
    int order = 0;
    if (a->type != b->type) return a->type < b->type ? -1 : 1;
    if (a->type == FT__JSON_NUMBER) return ft__json_compare_numbers(a, b);
    if (a->type == FT__JSON_STRING)
        return ft__json_compare_texts(a->text, a->text_len, b->text, b->text_len);
    if (a->type != FT__JSON_ARRAY && a->type != FT__JSON_OBJECT) return 0;
    if (a->count != b->count) return a->count < b->count ? -1 : 1;
    const ft__json *x = a->child, *y = b->child;
    for (; x && !order; x = x->next, y = y->next) {
        if (a->type == FT__JSON_OBJECT) order = ft__json_compare_keys(x, y);
        if (!order) order = ft__json_compare(x, y);
    }
    return order;
}

static ft__json *ft__json_copy_nodes(const ft__json *value, ft__arena *arena) {
    ft__json *copy = (ft__json *)ft__arena_alloc(arena, 1, sizeof *copy);
    if (!copy) return NULL;
    *copy = *value;
    copy->next = NULL;
    ft__json **tail = &copy->child;
    for (const ft__json *v = value->child; v; v = v->next) {
        *tail = ft__json_copy_nodes(v, arena);
        if (!*tail) return NULL;
        tail = &(*tail)->next;
    }
    return copy;
}

FT__PRIV ft__json *ft__json_sorted_copy(const ft__json *value, ft__arena *arena) {
    ft__json *copy = ft__json_copy_nodes(value, arena);
    if (copy) ft__json_sort(copy);
    return copy;
}

/* ---- writing */

FT__PRIV void ft__json_writer_init(ft__json_writer *w, ft__buf *out, int indent) {
    memset(w, 0, sizeof *w);
    w->out = out;
    w->indent = indent;
}

static void ft__json_new_line(ft__json_writer *w) {
    if (w->indent <= 0) return;
    ft__buf_byte(w->out, '\n');
    for (int i = 0; i < w->indent * w->depth; i++) ft__buf_byte(w->out, ' ');
}

/* What stands before a key or a value. */
static void ft__json_separate(ft__json_writer *w) {
    if (!w->after_key) {
        if (w->need_comma) ft__buf_byte(w->out, ',');
        if (w->depth > 0) ft__json_new_line(w);
    }
    w->after_key = false;
    w->need_comma = true;
}

FT__PRIV void ft__json_begin(ft__json_writer *w, char bracket) {
    ft__json_separate(w);
    ft__buf_byte(w->out, bracket);
    w->depth++;
    w->need_comma = false;
}

FT__PRIV void ft__json_end(ft__json_writer *w, char bracket) {
    w->depth--;
    if (w->need_comma) ft__json_new_line(w); /* something is inside */
    ft__buf_byte(w->out, bracket);
    w->need_comma = true;
}

static void ft__json_escape(ft__buf *out, unsigned char c) {
    const char *known = c ? strchr(ft__json_escaped, c) : NULL;
    if (known) {
        ft__buf_byte(out, '\\');
        ft__buf_byte(out, ft__json_escapes[known - ft__json_escaped]);
    } else {
        ft__buf_printf(out, "\\u%04x", (unsigned)c);
    }
}

/* Runs of bytes that may stay as they are go out in one piece. */
static void ft__json_quote(ft__buf *out, const char *text, size_t n) {
    const char *run = text, *p = text, *end = text + n;
    ft__buf_byte(out, '"');
    while (p < end) {
        const char *at = p;
        uint32_t c = ft__utf8_next(&p, end);
        if (c >= 0x20 && c != '"' && c != '\\' && c != FT__BAD_UTF8) continue;
        ft__buf_add(out, run, (size_t)(at - run));
        if (c == FT__BAD_UTF8)
            ft__buf_text(out, "\xEF\xBF\xBD");
        else
            ft__json_escape(out, (unsigned char)c);
        run = p;
    }
    ft__buf_add(out, run, (size_t)(p - run));
    ft__buf_byte(out, '"');
}

static void ft__json_write_key(ft__json_writer *w, const char *key, size_t n) {
    ft__json_separate(w);
    ft__json_quote(w->out, key, n);
    ft__buf_text(w->out, w->indent > 0 ? ": " : ":");
    w->after_key = true;
}

FT__PRIV void ft__json_key(ft__json_writer *w, const char *key) {
    ft__json_write_key(w, key, strlen(key));
}

FT__PRIV void ft__json_string(ft__json_writer *w, const char *text, size_t n) {
    ft__json_separate(w);
    ft__json_quote(w->out, text, n);
}

FT__PRIV void ft__json_text(ft__json_writer *w, const char *text) {
    ft__json_string(w, text, strlen(text));
}

/* A scalar other than a string, spelled already. */
static void ft__json_spelled(ft__json_writer *w, const char *text, size_t n) {
    ft__json_separate(w);
    ft__buf_add(w->out, text, n);
}

FT__PRIV void ft__json_number(ft__json_writer *w, double value) {
    char text[32];
    ft__json_spelled(w, text, ft__number_write(value, text));
}

FT__PRIV void ft__json_bool(ft__json_writer *w, bool value) {
    ft__json_spelled(w, value ? "true" : "false", value ? 4 : 5);
}

FT__PRIV void ft__json_null(ft__json_writer *w) { ft__json_spelled(w, "null", 4); }

/* Numbers keep the digits they came with: an id of 20 digits is not a double. */
FT__PRIV void ft__json_value(ft__json_writer *w, const ft__json *value) {
    switch (value->type) {
    case FT__JSON_NULL: ft__json_null(w); return;
    case FT__JSON_FALSE:
    case FT__JSON_TRUE: ft__json_bool(w, value->type == FT__JSON_TRUE); return;
    case FT__JSON_STRING: ft__json_string(w, value->text, value->text_len); return;
    case FT__JSON_NUMBER:
        if (value->text)
            ft__json_spelled(w, value->text, value->text_len);
        else
            ft__json_number(w, value->number);
        return;
    case FT__JSON_ARRAY:
    case FT__JSON_OBJECT: break;
    }
    bool is_object = value->type == FT__JSON_OBJECT;
    ft__json_begin(w, is_object ? '{' : '[');
    for (const ft__json *v = value->child; v; v = v->next) {
        if (is_object) ft__json_write_key(w, v->key, v->key_len);
        ft__json_value(w, v);
    }
    ft__json_end(w, is_object ? '}' : ']');
}
