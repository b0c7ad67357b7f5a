/* Jinja source to tokens.

   Here it is decided what white space stays.  As Hugging Face sets Jinja up, one newline after a block or a
   comment goes away (trim_blocks), and so do the blanks before one that is the first on its line
   (lstrip_blocks); a '-' at a delimiter takes all white space on that side, a '+' keeps it. */
#include "jinja.h"

typedef struct ft__jlexer {
    ft__jinja *r;
    const char *p, *end, *begin;
    uint32_t line;
    char brackets[256]; /* closing ones that are expected */
    int n_brackets;
    bool line_starts; /* the last delimiter ended with a newline */
    ft__jtokens *tokens;
} ft__jlexer;

static bool ft__jlex_fail(ft__jlexer *p, uint32_t line, const char *fmt, ...) FT__PRINTF(3, 4);
static bool ft__jlex_fail(ft__jlexer *p, uint32_t line, const char *fmt, ...) {
    if (p->r->status) return false;
    va_list args;
    va_start(args, fmt);
    vsnprintf(p->r->message, sizeof p->r->message, fmt, args);
    va_end(args);
    p->r->status = FT_ERR_FORMAT;
    p->r->line = line;
    return false;
}

/* ---- the lexer: white space and delimiters */

static const char *ft__jlex_skip_space(const char *p, const char *end) {
    while (p < end) {
        const char *next = p;
        if (!ft__is_space(ft__utf8_next(&next, end))) break;
        p = next;
    }
    return p;
}

static const char *ft__jlex_strip_end(const char *begin, const char *end) {
    while (end > begin) {
        const char *last = end - 1, *p;
        while (last > begin && ((unsigned char)*last & 0xC0) == 0x80) last--;
        p = last;
        if (!ft__is_space(ft__utf8_next(&p, end))) break;
        end = last;
    }
    return end;
}

static bool ft__jlex_at(const ft__jlexer *p, const char *at, const char *text) {
    size_t n = strlen(text);
    return (size_t)(p->end - at) >= n && memcmp(at, text, n) == 0;
}

/* Moves to `to`, counting lines. */
static void ft__jlex_move(ft__jlexer *p, const char *to) {
    for (; p->p < to; p->p++) p->line += *p->p == '\n';
}

static ft__jtoken *ft__jlex_push(ft__jlexer *p, uint32_t type) {
    ft__jtokens *t = p->tokens;
    if (!ft__grow(&p->r->arena.allocator, (void **)&t->items, &t->cap, t->n + 1, sizeof *t->items)) {
        ft__jinja_fail(p->r, FT_ERR_MEMORY, "out of memory");
        return NULL;
    }
    ft__jtoken *token = &t->items[t->n++];
    memset(token, 0, sizeof *token);
    token->type = type;
    token->line = p->line;
    return token;
}

/* Template text up to a delimiter (or the end) whose sign is '-', '+' or 0. */
static void ft__jlex_data(ft__jlexer *p, const char *to, char sign, bool may_strip) {
    const char *end = to;
    if (sign == '-') {
        end = ft__jlex_strip_end(p->p, to);
    } else if (sign != '+' && may_strip) {
        const char *line = to;
        while (line > p->p && line[-1] != '\n') line--;
        if ((line > p->p || p->line_starts) && ft__jlex_skip_space(line, to) == to) end = line;
    }
    if (end > p->p) {
        ft__jtoken *token = ft__jlex_push(p, FT__JT_DATA);
        if (token) token->value = ft__jinja_str(p->r, p->p, (size_t)(end - p->p));
    }
    ft__jlex_move(p, to);
}

/* The end of a tag at `at`: "%}", "-%}", "+%}" and what goes with it, or NULL. */
static const char *ft__jlex_tag_end(const ft__jlexer *p, const char *at, const char *delimiter, bool trim) {
    char sign = at < p->end && (*at == '-' || (*at == '+' && trim)) ? *at : 0;
    if (!ft__jlex_at(p, at + (sign != 0), delimiter)) return NULL;
    at += 2 + (sign != 0);
    if (sign == '-') return ft__jlex_skip_space(at, p->end);
    return !sign && trim && at < p->end && *at == '\n' ? at + 1 : at;
}

static void ft__jlex_comment(ft__jlexer *p) {
    const char *at = p->p;
    while (at < p->end && !ft__jlex_at(p, at, "#}")) at++;
    if (at == p->end) {
        ft__jlex_fail(p, p->line, "a comment {# without its end #}");
        return;
    }
    if (at > p->p && (at[-1] == '-' || at[-1] == '+')) at--;
    const char *to = ft__jlex_tag_end(p, at, "#}", true);
    ft__jlex_move(p, to);
    p->line_starts = to[-1] == '\n';
}

/* After "{%" and its sign: past "raw %}" if that is what stands there, or NULL. */
static const char *ft__jlex_raw_tag(const ft__jlexer *p, const char *at, const char *word, bool trim) {
    at = ft__jlex_skip_space(at, p->end);
    if (!ft__jlex_at(p, at, word)) return NULL;
    at = ft__jlex_skip_space(at + strlen(word), p->end);
    if (!trim && at < p->end && *at == '+') return NULL;
    const char *to = ft__jlex_tag_end(p, at, "%}", trim);
    if (to || trim || !ft__jlex_at(p, at, "-%}")) return to;
    return ft__jlex_skip_space(at + 3, p->end);
}

static void ft__jlex_raw(ft__jlexer *p, const char *body) {
    uint32_t line = p->line;
    ft__jlex_move(p, body);
    p->line_starts = body[-1] == '\n';
    for (const char *at = body; at < p->end; at++) {
        if (!ft__jlex_at(p, at, "{%")) continue;
        char sign = at + 2 < p->end && (at[2] == '-' || at[2] == '+') ? at[2] : 0;
        const char *to = ft__jlex_raw_tag(p, at + 2 + (sign != 0), "endraw", true);
        if (!to) continue;
        ft__jlex_data(p, at, sign, true);
        ft__jlex_move(p, to);
        p->line_starts = to[-1] == '\n';
        return;
    }
    ft__jlex_fail(p, line, "{%% raw %%} without {%% endraw %%}");
}

/* ---- the lexer: inside tags */

static bool ft__jlex_digit(const char *p, const char *end) { return p < end && *p >= '0' && *p <= '9'; }

/* Digits with single underscores between them; NULL if there are none. */
static const char *ft__jlex_digits(const char *p, const char *end) {
    if (!ft__jlex_digit(p, end)) return NULL;
    while (p < end && (ft__jlex_digit(p, end) || (*p == '_' && ft__jlex_digit(p + 1, end)))) p++;
    return p;
}

static const char *ft__jlex_float_end(const ft__jlexer *p) {
    const char *at = ft__jlex_digits(p->p, p->end), *to, *found = NULL;
    if (p->p > p->begin && p->p[-1] == '.') return NULL; /* a.0.1 */
    if (at < p->end && *at == '.' && (to = ft__jlex_digits(at + 1, p->end))) found = at = to;
    if (at < p->end && (*at | 32) == 'e') {
        at++;
        if (at < p->end && (*at == '+' || *at == '-')) at++;
        to = ft__jlex_digits(at, p->end);
        if (to) found = to;
    }
    return found;
}

static int ft__jlex_digit_value(char c) {
    char letter = (char)(c | 32);
    return c >= '0' && c <= '9' ? c - '0' : letter >= 'a' && letter <= 'z' ? letter - 'a' + 10 : 99;
}

static const char *ft__jlex_int_end(const ft__jlexer *p, int *base) {
    const char *at = p->p;
    char mark = at + 1 < p->end ? (char)(at[1] | 32) : 0;
    *base = *at != '0' ? 10 : mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
    if (*base != 10) {
        const char *digits = at + 2;
        for (at = digits; at < p->end; at++) {
            if (ft__jlex_digit_value(*at) < *base) continue;
            if (*at != '_' || at + 1 == p->end || ft__jlex_digit_value(at[1]) >= *base) break;
        }
        if (at > digits) return at;
        *base = 10;
        return digits - 1; /* "0", and the letter is a name */
    }
    bool zeros = *at == '0';
    for (at++; at < p->end; at++) {
        const char *d = *at == '_' ? at + 1 : at;
        if (!ft__jlex_digit(d, p->end) || (zeros && *d != '0')) break;
    }
    return at;
}

/* The text without underscores, from `from` on. */
static ft__jv ft__jlex_plain_digits(ft__jlexer *p, const char *from, const char *to) {
    size_t start = p->r->out.len;
    for (; from < to; from++)
        if (*from != '_') ft__jinja_put(p->r, from, 1);
    return ft__jinja_take(p->r, start);
}

static void ft__jlex_number(ft__jlexer *p) {
    int base = 10;
    const char *to = ft__jlex_float_end(p);
    ft__jtoken *token = ft__jlex_push(p, to ? FT__JT_FLOAT : FT__JT_INT);
    if (!token) return;
    bool is_float = to != NULL;
    if (!to) to = ft__jlex_int_end(p, &base);
    ft__jv digits = ft__jlex_plain_digits(p, base == 10 ? p->p : p->p + 2, to);
    ft__jlex_move(p, to);
    if (p->r->status) return;
    if (!is_float) {
        token->value = ft__jinja_int_of_text(p->r, digits.as.s->data, digits.as.s->len, (uint32_t)base, false);
        return;
    }
    double value;
    if (!ft__jinja_parse_float(digits.as.s, &value)) value = 0; /* cannot be */
    token->value = ft__jinja_float(value);
}

static void ft__jlex_name(ft__jlexer *p) {
    const char *to = p->p;
    while (to < p->end) {
        const char *next = to;
        if (!ft__is_word(ft__utf8_next(&next, p->end))) break;
        to = next;
    }
    ft__jtoken *token = ft__jlex_push(p, FT__JT_NAME);
    if (token) token->value = ft__jinja_str(p->r, p->p, (size_t)(to - p->p));
    p->p = to;
}

/* A number of n digits of that base after an escape's letter, or FT__BAD_UTF8. */
static uint32_t ft__jlex_escape_number(const char *p, const char *end, int n, int base, int *used) {
    uint32_t value = 0;
    for (*used = 0; *used < n && p < end && ft__jlex_digit_value(*p) < base; p++, ++*used)
        value = value * (uint32_t)base + (uint32_t)ft__jlex_digit_value(*p);
    if (base == 16 && *used < n) return FT__BAD_UTF8;
    return value > 0x10FFFF || (value >= 0xD800 && value < 0xE000) ? FT__BAD_UTF8 : value;
}

/* One escape, p behind its backslash; what it means goes to the output.  As Python has them; one quirk of
   Jinja's: a backslash before a non-ASCII character gives the character's number. */
static const char *ft__jlex_escape(ft__jlexer *p, const char *at, const char *end) {
    static const char letters[] = "\\'\"abfnrtv", meanings[] = "\\'\"\a\b\f\n\r\t\v";
    const char *next = at, *known;
    char text[16];
    uint32_t c = ft__utf8_next(&next, end);
    int used = 0;
    if (c == '\n') return next;
    if (c < 0x80 && (known = strchr(letters, (int)c)) != NULL && c) {
        ft__jinja_put(p->r, &meanings[known - letters], 1);
        return next;
    }
    int n = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (n || (c >= '0' && c <= '7')) {
        const char *digits = n ? next : at;
        uint32_t code = ft__jlex_escape_number(digits, end, n ? n : 3, n ? 16 : 8, &used);
        if (code == FT__BAD_UTF8)
            ft__jlex_fail(p, p->line, "\\%.*s is no escape of a character", (int)(n ? n + 1 : 3), at);
        else
            ft__jinja_put_char(p->r, code);
        return digits + used;
    }
    if (c == 'N') ft__jlex_fail(p, p->line, "\\N{name} escapes are not supported");
    if (c >= 0x80) snprintf(text, sizeof text, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x",
                            (unsigned)c);
    else snprintf(text, sizeof text, "\\%c", (char)c);
    ft__jinja_puts(p->r, text);
    return next;
}

static void ft__jlex_string(ft__jlexer *p) {
    const char *at = p->p + 1, quote = *p->p, *end = at, *run;
    while (end < p->end && *end != quote) end += *end == '\\' ? 2 : 1;
    if (end >= p->end) {
        ft__jlex_fail(p, p->line, "a string without its closing %c", quote);
        return;
    }
    ft__jtoken *token = ft__jlex_push(p, FT__JT_STRING);
    size_t start = p->r->out.len;
    for (run = at; at < end && !p->r->status;) {
        if (*at != '\\') {
            at++;
            continue;
        }
        ft__jinja_put(p->r, run, (size_t)(at - run));
        run = at = ft__jlex_escape(p, at + 1, end);
    }
    if (p->r->status || !token) return;
    ft__jinja_put(p->r, run, (size_t)(end - run));
    token->value = ft__jinja_take(p->r, start);
    ft__jlex_move(p, end + 1);
}

static void ft__jlex_operator(ft__jlexer *p) {
    static const char pairs[] = "// ** == != >= <= ";
    char c = *p->p;
    for (const char *pair = pairs; *pair; pair += 3) {
        if (c != pair[0] || p->p + 1 >= p->end || p->p[1] != pair[1]) continue;
        ft__jlex_push(p, (uint32_t)(pair[0] * 256 + pair[1]));
        p->p += 2;
        return;
    }
    if (!strchr("+-/*%~[](){}><=.:|,;", c) || !c) {
        const char *next = p->p;
        ft__utf8_next(&next, p->end);
        ft__jlex_fail(p, p->line, "unexpected character '%.*s'", (int)(next - p->p), p->p);
        return;
    }
    const char *open = strchr("([{", c), *close = strchr(")]}", c);
    if (open && p->n_brackets == (int)sizeof p->brackets) {
        ft__jinja_fail(p->r, FT_ERR_LIMIT, "brackets nested too deeply");
    } else if (open) {
        p->brackets[p->n_brackets++] = c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (close && (p->n_brackets == 0 || p->brackets[--p->n_brackets] != c)) {
        ft__jlex_fail(p, p->line, "unexpected '%c'", c);
    }
    ft__jlex_push(p, (uint32_t)c);
    p->p++;
}

/* From behind "{{" or "{%" past the end of the tag. */
static void ft__jlex_tag(ft__jlexer *p, bool block) {
    const char *delimiter = block ? "%}" : "}}";
    uint32_t line = p->line;
    p->n_brackets = 0;
    while (!p->r->status) {
        const char *to = p->n_brackets ? NULL : ft__jlex_tag_end(p, p->p, delimiter, block);
        if (to) {
            ft__jlex_push(p, block ? FT__JT_BLOCK_END : FT__JT_PRINT_END);
            ft__jlex_move(p, to);
            p->line_starts = to[-1] == '\n';
            return;
        }
        if (p->p >= p->end) {
            ft__jlex_fail(p, line, "%s without its end %s", block ? "{%" : "{{", delimiter);
            return;
        }
        const char *next = p->p;
        uint32_t c = ft__utf8_next(&next, p->end);
        if (ft__is_space(c)) ft__jlex_move(p, next);
        else if (c >= '0' && c <= '9') ft__jlex_number(p);
        else if (ft__is_word(c)) ft__jlex_name(p);
        else if (c == '\'' || c == '"') ft__jlex_string(p);
        else ft__jlex_operator(p);
    }
}

static void ft__jlex_all(ft__jlexer *p) {
    while (p->p < p->end && !p->r->status) {
        const char *at = p->p;
        while (at < p->end && !(*at == '{' && at + 1 < p->end && strchr("{%#", at[1]) && at[1])) at++;
        if (at == p->end) {
            ft__jlex_data(p, at, 0, false);
            break;
        }
        char kind = at[1], sign = at + 2 < p->end && (at[2] == '-' || at[2] == '+') ? at[2] : 0;
        const char *inside = at + 2 + (sign != 0),
            *raw = kind == '%' ? ft__jlex_raw_tag(p, inside, "raw", false) : NULL;
        ft__jlex_data(p, at, sign, kind != '{');
        if (raw) {
            ft__jlex_raw(p, raw);
            continue;
        }
        if (kind != '#') ft__jlex_push(p, kind == '%' ? FT__JT_BLOCK : FT__JT_PRINT);
        p->p = inside;
        if (kind == '#') ft__jlex_comment(p);
        else ft__jlex_tag(p, kind == '%');
    }
    ft__jlex_push(p, FT__JT_END);
}

/* CRLF and CR become LF, one newline at the very end goes away. */
static void ft__jlex_load(ft__jlexer *p, const char *source, size_t n) {
    char *text = (char *)ft__jinja_alloc(p->r, n, 1), *to = text;
    if (!text) return;
    for (const char *at = source, *end = source + n; at < end; at++) {
        if (*at == '\r' && at + 1 < end && at[1] == '\n') continue;
        *to++ = *at == '\r' ? '\n' : *at;
    }
    if (to > text && to[-1] == '\n') to--;
    p->begin = p->p = text;
    p->end = to;
    p->line = 1;
    for (const char *at = text; at < to;) {
        if (*at == '\n') p->line++;
        if (ft__utf8_next(&at, to) == FT__BAD_UTF8) {
            ft__jlex_fail(p, p->line, "the template is not valid UTF-8");
            return;
        }
    }
    p->line = 1;
}

FT__PRIV uint32_t ft__jinja_lex(ft__jinja *r, const char *source, size_t n, ft__jtokens *tokens) {
    ft__jlexer lexer;
    memset(&lexer, 0, sizeof lexer);
    lexer.r = r;
    lexer.tokens = tokens;
    lexer.line_starts = true;
    ft__jlex_load(&lexer, source, n);
    if (!r->status) ft__jlex_all(&lexer);
    return lexer.line;
}
