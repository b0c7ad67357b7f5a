/* Tool calls: reading the values that models write.

   JSON and Python's literals are read alike: quotes of both kinds and tripled, True and true,
   tuples, 1_000, a comma before a closing bracket.  A call in Python syntax, f(a=1), is a value,
   too: {"name": "f", "arguments": {"a": 1}}.  An argument without keyword gets the name "0", "1",
   ..., which no row expects.

   Known limits: variables and expressions as arguments are not read, nor are r"" and f"" strings,
   nor values nested more than 64 deep; such text is no value.

   What is read in vain is subtracted from a budget of 16 times the text; when that is used up,
   whoever tries place after place has to end the search, so that all of it takes linear time. */
#include "toolcall.h"

enum { FT__TOOLCALL_DEPTH = 64 };

FT__PRIV void ft__toolcall_init(ft__toolcall_reader *r, ft__view text, ft__arena *arena,
                                ft__tool_calls *calls) {
    memset(r, 0, sizeof *r);
    r->text = r->p = text.text;
    r->end = text.text + text.n;
    r->arena = arena;
    r->calls = calls;
    r->keep = true;
    r->budget = text.n < SIZE_MAX / 32 ? 16 * text.n + 4096 : SIZE_MAX;
}

static bool ft__toolcall_value(ft__toolcall_reader *r, ft__json **value);

FT__PRIV bool ft__toolcall_at(const ft__toolcall_reader *r, char c) {
    return r->p < r->end && *r->p == c;
}

FT__PRIV bool ft__toolcall_looks_at(const ft__toolcall_reader *r, const char *text) {
    size_t n = strlen(text);
    return (size_t)(r->end - r->p) >= n && memcmp(r->p, text, n) == 0;
}

FT__PRIV bool ft__toolcall_skip(ft__toolcall_reader *r, const char *text) {
    if (!ft__toolcall_looks_at(r, text)) return false;
    r->p += strlen(text);
    return true;
}

FT__PRIV void ft__toolcall_skip_any(ft__toolcall_reader *r, const char *set) {
    while (r->p < r->end && *r->p && strchr(set, *r->p)) r->p++;
}

FT__PRIV void ft__toolcall_blanks(ft__toolcall_reader *r) { ft__toolcall_skip_any(r, " \t\r\n"); }


FT__PRIV bool ft__toolcall_is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
}

FT__PRIV ft__view ft__toolcall_name(ft__toolcall_reader *r) {
    ft__view name = {r->p, 0};
    if (r->p < r->end && ft__toolcall_is_letter(*r->p))
        while (r->p < r->end && (ft__toolcall_is_letter(*r->p) || ft__ascii_digit(*r->p) ||
                                 *r->p == '.' || *r->p == '-'))
            r->p++;
    name.n = (size_t)(r->p - name.text);
    return name;
}

FT__PRIV ft__json *ft__toolcall_new(ft__toolcall_reader *r, ft__json_type type, size_t n) {
    if (!r->keep) return &r->dummy;
    ft__json *v = (ft__json *)ft__arena_alloc(r->arena, 1, sizeof *v + n + 1);
    if (!v) return NULL;
    v->type = type;
    if (type == FT__JSON_STRING || type == FT__JSON_NUMBER) v->text = (const char *)(v + 1);
    return v;
}

FT__PRIV ft__json *ft__toolcall_new_text(ft__toolcall_reader *r, ft__view text) {
    ft__json *v = ft__toolcall_new(r, FT__JSON_STRING, text.n);
    if (!v || !r->keep) return v;
    memcpy((char *)(v + 1), text.text, text.n);
    v->text_len = text.n;
    return v;
}

FT__PRIV void ft__toolcall_append(const ft__toolcall_reader *r, ft__json *parent, ft__json ***tail,
                                  ft__json *child, ft__view key) {
    if (!r->keep) return;
    child->key = key.text;
    child->key_len = key.n;
    **tail = child;
    *tail = &child->next;
    parent->count++;
}

/* That many hexadecimal digits at p. */
static bool ft__toolcall_hex(const char *p, const char *end, int n, uint32_t *code) {
    if (end - p < n) return false;
    *code = 0;
    for (int i = 0; i < n; i++) {
        if (!ft__ascii_hex(p[i])) return false;
        *code = *code << 4 | (uint32_t)ft__ascii_hex_value(p[i]);
    }
    return true;
}

/* The escape at *p, JSON's or Python's, and past it.  An unknown one stays, backslash and all.
   What is written is never longer. */
static size_t ft__toolcall_escape(const char **p, const char *end, char *out) {
    static const char letters[] = "\"'\\/bfnrtav", meanings[] = "\"'\\/\b\f\n\r\t\a\v";
    char c = (*p)[1];
    const char *known = c ? strchr(letters, c) : NULL;
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    uint32_t code, low;
    out[0] = known ? meanings[known - letters] : '\\';
    if (known || !digits || !ft__toolcall_hex(*p + 2, end, digits, &code)) {
        *p += known ? 2 : 1;
        return 1;
    }
    *p += 2 + digits;
    if (code >= 0xD800 && code < 0xDC00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u' &&
        ft__toolcall_hex(*p + 2, end, 4, &low) && low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        *p += 6;
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) code = 0xFFFD;
    return (size_t)ft__utf8_encode(code, out);
}

static bool ft__toolcall_tripled(const ft__toolcall_reader *r) {
    return r->end - r->p >= 3 && r->p[1] == *r->p && r->p[2] == *r->p;
}

/* In single, double or triple quotes; only the last may hold line ends. */
static bool ft__toolcall_string(ft__toolcall_reader *r, ft__json **value) {
    char quote = *r->p;
    bool triple = ft__toolcall_tripled(r);
    const char *start = r->p += triple ? 3 : 1;
    for (;; r->p++) {
        if (r->p == r->end) return false;
        if (*r->p == quote && (!triple || ft__toolcall_tripled(r))) break;
        if (!triple && (unsigned char)*r->p < ' ' && *r->p != '\t') return false;
        if (*r->p == '\\' && ++r->p == r->end) return false;
    }
    const char *stop = r->p;
    r->p += triple ? 3 : 1;
    ft__json *v = *value = ft__toolcall_new(r, FT__JSON_STRING, (size_t)(stop - start));
    if (!v || !r->keep) return v != NULL;
    char *out = (char *)(v + 1);
    for (const char *p = start; p < stop;) {
        if (*p == '\\') v->text_len += ft__toolcall_escape(&p, stop, out + v->text_len);
        else out[v->text_len++] = *p++;
    }
    return true;
}

/* Digits, perhaps with single underscores between them. */
static size_t ft__toolcall_digits(ft__toolcall_reader *r) {
    const char *start = r->p;
    while (r->p < r->end &&
           (ft__ascii_digit(*r->p) || (*r->p == '_' && r->p > start && r->p[-1] != '_')))
        r->p++;
    if (r->p > start && r->p[-1] == '_') r->p--;
    return (size_t)(r->p - start);
}

/* JSON's numbers and Python's decimal ones; the text is put down as JSON would have it. */
static bool ft__toolcall_number(ft__toolcall_reader *r, ft__json **value) {
    const char *start = r->p;
    r->p += *r->p == '-' || *r->p == '+';
    const char *digits = r->p;
    size_t whole = ft__toolcall_digits(r);
    if (whole > 1 && *digits == '0') return false;
    if (!whole && !ft__toolcall_at(r, '.')) return false;
    if (ft__toolcall_skip(r, ".") && !ft__toolcall_digits(r)) return false;
    if (ft__toolcall_at(r, 'e') || ft__toolcall_at(r, 'E')) {
        r->p++;
        if (ft__toolcall_at(r, '-') || ft__toolcall_at(r, '+')) r->p++;
        if (!ft__toolcall_digits(r)) return false;
    }
    ft__json *v = *value = ft__toolcall_new(r, FT__JSON_NUMBER, (size_t)(r->p - start) + 1);
    if (!v || !r->keep) return v != NULL;
    char *out = (char *)(v + 1);
    if (*start == '-') out[v->text_len++] = '-';
    if (!whole) out[v->text_len++] = '0';
    for (const char *p = digits; p < r->p; p++)
        if (*p != '_') out[v->text_len++] = *p;
    return ft__number_parse(out, v->text_len, &v->number);
}

/* A key of an object and its colon. */
static bool ft__toolcall_key(ft__toolcall_reader *r, ft__view *key) {
    ft__json *text;
    if (!(ft__toolcall_at(r, '"') || ft__toolcall_at(r, '\'')) || !ft__toolcall_string(r, &text))
        return false;
    *key = ft__json_view(text);
    ft__toolcall_blanks(r);
    if (!ft__toolcall_skip(r, ":")) return false;
    ft__toolcall_blanks(r);
    return true;
}

/* [...], {...} or a tuple; (x) is x. */
static bool ft__toolcall_container(ft__toolcall_reader *r, ft__json **value) {
    char open = *r->p++, close = open == '[' ? ']' : open == '{' ? '}' : ')';
    ft__json *v = ft__toolcall_new(r, open == '{' ? FT__JSON_OBJECT : FT__JSON_ARRAY, 0), *child;
    bool comma = true;
    *value = v;
    if (!v || ++r->depth > FT__TOOLCALL_DEPTH) return false;
    ft__json **tail = &v->child;
    for (ft__toolcall_blanks(r); !ft__toolcall_at(r, close); ft__toolcall_blanks(r)) {
        ft__view key = {NULL, 0};
        if (!comma || (open == '{' && !ft__toolcall_key(r, &key)) || !ft__toolcall_value(r, &child))
            return false;
        ft__toolcall_append(r, v, &tail, child, key);
        ft__toolcall_blanks(r);
        comma = ft__toolcall_skip(r, ",");
    }
    r->p++;
    r->depth--;
    if (open == '(' && v->count == 1 && !comma) *value = v->child;
    r->is_call = false;
    return true;
}

/* The keyword of an argument and its =, or else its number. */
static bool ft__toolcall_keyword(ft__toolcall_reader *r, size_t index, ft__view *key) {
    const char *start = r->p;
    *key = ft__toolcall_name(r);
    ft__toolcall_blanks(r);
    if (key->n && ft__toolcall_at(r, '=') && !ft__toolcall_looks_at(r, "==")) {
        r->p++;
        ft__toolcall_blanks(r);
        return true;
    }
    r->p = start;
    r->positional = true;
    if (!r->keep) return true;
    key->text = ft__arena_printf(r->arena, "%zu", index);
    key->n = key->text ? strlen(key->text) : 0;
    return key->text != NULL;
}

/* From the bracket of f(a=1), as {"name": "f", "arguments": {"a": 1}}.  Of print(f(a=1)), which
   Gemini writes, the inside counts. */
static bool ft__toolcall_call(ft__toolcall_reader *r, ft__view name, ft__json **value) {
    static const ft__view keys[] = {{"name", 4}, {"arguments", 9}};
    bool print = ft__text_is(name, "print"), comma = true;
    ft__json *v = *value = ft__toolcall_new(r, FT__JSON_OBJECT, 0);
    ft__json *text = ft__toolcall_new_text(r, name);
    ft__json *arguments = ft__toolcall_new(r, FT__JSON_OBJECT, 0), *child = NULL;
    if (!v || !text || !arguments || ++r->depth > FT__TOOLCALL_DEPTH) return false;
    ft__json **members = &v->child, **tail = &arguments->child;
    ft__toolcall_append(r, v, &members, text, keys[0]);
    ft__toolcall_append(r, v, &members, arguments, keys[1]);
    r->p++;
    size_t count = 0;
    r->is_call = false;
    for (ft__toolcall_blanks(r); !ft__toolcall_at(r, ')'); ft__toolcall_blanks(r)) {
        ft__view key = {NULL, 0};
        if (!comma || (!print && !ft__toolcall_keyword(r, count, &key)) ||
            !ft__toolcall_value(r, &child))
            return false;
        ft__toolcall_append(r, arguments, &tail, child, key);
        ft__toolcall_blanks(r);
        comma = ft__toolcall_skip(r, ",");
        count++;
    }
    if (print && (count != 1 || !r->is_call)) return false;
    if (print) *value = child;
    r->p++;
    r->depth--;
    r->is_call = true;
    return true;
}

static bool ft__toolcall_word(ft__toolcall_reader *r, ft__json **value) {
    static const struct {
        const char *word;
        ft__json_type type;
    } words[] = {{"true", FT__JSON_TRUE},   {"True", FT__JSON_TRUE}, {"false", FT__JSON_FALSE},
                 {"False", FT__JSON_FALSE}, {"null", FT__JSON_NULL}, {"None", FT__JSON_NULL}};
    ft__view name = ft__toolcall_name(r);
    if (ft__toolcall_at(r, '(')) return ft__toolcall_call(r, name, value);
    for (size_t i = 0; i < FT__COUNT(words); i++)
        if (ft__text_is(name, words[i].word)) {
            *value = ft__toolcall_new(r, words[i].type, 0);
            return *value != NULL;
        }
    return false;
}

static bool ft__toolcall_value(ft__toolcall_reader *r, ft__json **value) {
    r->is_call = false;
    if (r->p == r->end) return false;
    char c = *r->p;
    if (c == '{' || c == '[' || c == '(') return ft__toolcall_container(r, value);
    if (c == '"' || c == '\'') return ft__toolcall_string(r, value);
    if (ft__toolcall_is_letter(c)) return ft__toolcall_word(r, value);
    return ft__toolcall_number(r, value);
}

FT__PRIV void ft__toolcall_charge(ft__toolcall_reader *r, const char *from) {
    size_t cost = (size_t)(r->p - from) + 1;
    r->budget -= cost < r->budget ? cost : r->budget;
}

FT__PRIV bool ft__toolcall_try(ft__toolcall_reader *r, ft__json **value) {
    const char *start = r->p;
    bool ok = true;
    r->positional = false;
    for (int pass = 0; ok && pass < 2; pass++) {
        r->p = start;
        r->keep = pass == 1;
        r->depth = 0;
        ok = ft__toolcall_value(r, value);
    }
    if (!ok) {
        ft__toolcall_charge(r, start);
        r->p = start;
    }
    r->keep = true; /* as it was */
    return ok;
}

FT__PRIV ft__json *ft__toolcall_whole(ft__view text, ft__arena *arena) {
    ft__toolcall_reader r;
    ft__json *value;
    ft__toolcall_init(&r, ft__text_strip(text), arena, NULL);
    return ft__toolcall_try(&r, &value) && r.p == r.end ? value : NULL;
}

