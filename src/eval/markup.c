/* Is the output well-formed XML, or CSV as RFC 4180 has it?

   xml_valid follows XML 1.0 (fifth edition) for a document that reads no DTD: one root; tags that
   balance; names and characters that may be; attributes quoted, without '<', each name once; the
   five entities and character references; comments without "--", processing instructions, CDATA;
   "]]>" nowhere else.  A DOCTYPE is skipped; one with declarations of its own may declare any
   entity, so that names of entities are not judged then.  Namespaces are not judged either.

   csv_valid wants rows of one length.  A field that holds a quote, the delimiter or a line end is
   in double quotes, with its quotes doubled; nothing stands outside of the quotes.  Beyond the RFC:
   lines may end in LF alone, tabs and all characters beyond ASCII are text. */
#include "eval.h"

/* Where a reader is.  `what` NULL: all is well so far. */
typedef struct ft__markup {
    const char *start, *p, *end;
    const char *what;
} ft__markup;

/* False, after noting the first thing that is wrong. */
static bool ft__markup_bad(ft__markup *m, const char *what) {
    if (!m->what) m->what = what;
    return false;
}

static bool ft__markup_at(const ft__markup *m, const char *text) {
    size_t n = strlen(text);
    return (size_t)(m->end - m->p) >= n && memcmp(m->p, text, n) == 0;
}

static bool ft__markup_skip(ft__markup *m, const char *text) {
    if (!ft__markup_at(m, text)) return false;
    m->p += strlen(text);
    return true;
}

/* The score of a reader that has finished. */
static void ft__markup_score(const ft__markup *m, ft_score *score) {
    size_t line = 1, column = 1;
    score->value = m->what == NULL;
    if (!m->what) return;
    for (const char *p = m->start; p < m->p; p++) {
        if (*p == '\n') line++, column = 1;
        else if ((*p & 0xC0) != 0x80) column++;
    }
    ft__score_detail(score, "line %zu, column %zu: %s", line, column, m->what);
}

/* ---- XML */

typedef struct ft__xml {
    ft__markup m;
    ft__interner names;  /* of elements and attributes */
    size_t *last_tag;    /* by name: the number of the tag which last had this attribute */
    size_t cap_last, n_last;
    size_t n_tags;
    uint32_t *open;      /* the names of the elements around m.p */
    size_t n_open, cap_open;
    bool any_entity;     /* a DTD may have declared more */
    bool out_of_memory;
} ft__xml;

static bool ft__xml_fail_memory(ft__xml *x) {
    x->out_of_memory = true;
    return false;
}

static bool ft__xml_is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static bool ft__xml_skip_spaces(ft__markup *m) {
    const char *start = m->p;
    while (m->p < m->end && ft__xml_is_space(*m->p)) m->p++;
    return m->p > start;
}

/* Char of the grammar; beyond ASCII. */
static bool ft__xml_is_char(uint32_t c) {
    return c >= 0x20 ? c < 0xD800 || (c >= 0xE000 && c <= 0xFFFD) || (c >= 0x10000 && c <= 0x10FFFF)
                     : c == '\t' || c == '\n' || c == '\r';
}

/* Moves over one character; false if it may not be in a document. */
static bool ft__xml_next_char(ft__markup *m) {
    if ((unsigned char)*m->p >= 0x20 && (unsigned char)*m->p < 0x80) {
        m->p++;
        return true;
    }
    const char *p = m->p;
    if (!ft__xml_is_char(ft__utf8_next(&p, m->end)))
        return ft__markup_bad(m, "a character or byte that XML does not allow");
    m->p = p;
    return true;
}

/* NameStartChar, and with `inside` NameChar. */
static bool ft__xml_is_name_char(uint32_t c, bool inside) {
    static const uint32_t ranges[][2] = {
        {0xC0, 0xD6},     {0xD8, 0xF6},     {0xF8, 0x2FF},    {0x370, 0x37D},
        {0x37F, 0x1FFF},  {0x200C, 0x200D}, {0x2070, 0x218F}, {0x2C00, 0x2FEF},
        {0x3001, 0xD7FF}, {0xF900, 0xFDCF}, {0xFDF0, 0xFFFD}, {0x10000, 0xEFFFF}};
    if (c < 0x80) {
        if (((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' || c == ':') return true;
        return inside && ((c >= '0' && c <= '9') || c == '-' || c == '.');
    }
    if (inside && (c == 0xB7 || (c >= 0x300 && c <= 0x36F) || c == 0x203F || c == 0x2040))
        return true;
    for (size_t i = 0; i < FT__COUNT(ranges); i++)
        if (c >= ranges[i][0] && c <= ranges[i][1]) return true;
    return false;
}

static bool ft__xml_name(ft__markup *m, ft__view *name) {
    name->text = m->p;
    while (m->p < m->end) {
        const char *p = m->p;
        if (!ft__xml_is_name_char(ft__utf8_next(&p, m->end), m->p > name->text)) break;
        m->p = p;
    }
    name->n = (size_t)(m->p - name->text);
    return name->n ? true : ft__markup_bad(m, "expected a name");
}

/* &#10; &#xA; of a character that may be; from the '#' on. */
static bool ft__xml_character_reference(ft__markup *m) {
    uint32_t c = 0;
    bool hex = ft__markup_skip(m, "#x");
    if (!hex) m->p++;
    const char *start = m->p;
    for (; m->p < m->end; m->p++) {
        char letter = (char)(*m->p | 32);
        bool digit = *m->p >= '0' && *m->p <= '9';
        if (!digit && !(hex && letter >= 'a' && letter <= 'f')) break;
        if (c <= 0x10FFFF)
            c = (hex ? 16 : 10) * c + (uint32_t)(digit ? *m->p - '0' : letter - 'a' + 10);
    }
    if (m->p == start || !ft__xml_is_char(c))
        return ft__markup_bad(m, "a reference to no character");
    return true;
}

/* From the '&' on. */
static bool ft__xml_reference(ft__xml *x) {
    static const char *const known[] = {"amp", "lt", "gt", "quot", "apos"};
    ft__markup *m = &x->m;
    ft__view name;
    const char *start = m->p++;
    bool is_known = x->any_entity;
    if (m->p < m->end && *m->p == '#') {
        if (!ft__xml_character_reference(m)) return false;
    } else {
        if (!ft__xml_name(m, &name)) return ft__markup_bad(m, "'&' alone");
        for (size_t i = 0; i < FT__COUNT(known); i++)
            if (ft__text_is(name, known[i])) is_known = true;
        if (!is_known) {
            m->p = start;
            return ft__markup_bad(m, "an unknown entity");
        }
    }
    return ft__markup_skip(m, ";") ? true : ft__markup_bad(m, "expected ';' after a reference");
}

/* Up to `stop` and past it. */
static bool ft__xml_skip_past(ft__markup *m, const char *stop, const char *missing) {
    while (m->p < m->end) {
        if (*m->p == *stop && ft__markup_skip(m, stop)) return true;
        if (!ft__xml_next_char(m)) return false;
    }
    return ft__markup_bad(m, missing);
}

static bool ft__xml_comment(ft__markup *m) {
    m->p += 4;
    if (!ft__xml_skip_past(m, "--", "a comment does not end")) return false;
    return ft__markup_skip(m, ">") ? true : ft__markup_bad(m, "\"--\" inside a comment");
}

static bool ft__xml_instruction(ft__markup *m) {
    ft__view name;
    m->p += 2;
    if (!ft__xml_name(m, &name)) return false;
    if (name.n == 3 && (name.text[0] | 32) == 'x' && (name.text[1] | 32) == 'm' &&
        (name.text[2] | 32) == 'l')
        return ft__markup_bad(m, "an XML declaration that is not at the beginning");
    if (!ft__markup_at(m, "?>") && !ft__xml_skip_spaces(m))
        return ft__markup_bad(m, "expected white space or \"?>\" after the name");
    return ft__xml_skip_past(m, "?>", "a processing instruction does not end");
}

/* The part of the declaration called `name`, with its value; false if it is another one. */
static bool ft__xml_declared(ft__markup *m, const char *name, ft__view *value) {
    const char *start = m->p;
    bool found = ft__xml_skip_spaces(m) && ft__markup_skip(m, name);
    if (found) ft__xml_skip_spaces(m);
    found = found && ft__markup_skip(m, "=");
    if (found) ft__xml_skip_spaces(m);
    if (!found || m->p == m->end || (*m->p != '"' && *m->p != '\'')) {
        m->p = start;
        return false;
    }
    char quote = *m->p++;
    value->text = m->p;
    while (m->p < m->end && *m->p != quote && *m->p != '<' && *m->p != '?') m->p++;
    value->n = (size_t)(m->p - value->text);
    if (m->p < m->end && *m->p == quote) m->p++;
    return true;
}

static bool ft__xml_declaration(ft__markup *m) {
    ft__view v;
    if (!ft__markup_at(m, "<?xml") || m->end - m->p < 6 || !ft__xml_is_space(m->p[5])) return true;
    m->p += 5;
    if (!ft__xml_declared(m, "version", &v) || v.n < 3 || memcmp(v.text, "1.", 2) != 0)
        return ft__markup_bad(m, "an XML declaration begins with its version, 1.x");
    ft__xml_declared(m, "encoding", &v);
    if (ft__xml_declared(m, "standalone", &v) && !ft__text_is(v, "yes") &&
        !ft__text_is(v, "no"))
        return ft__markup_bad(m, "standalone must be yes or no");
    ft__xml_skip_spaces(m);
    return ft__markup_skip(m, "?>") ? true
                                    : ft__markup_bad(m, "expected the XML declaration's \"?>\"");
}

/* Over a DOCTYPE: to its '>', over literals, comments and the brackets of its own declarations. */
static bool ft__xml_doctype(ft__xml *x) {
    ft__markup *m = &x->m;
    bool inside = false;
    m->p += 9;
    while (m->p < m->end) {
        char c = *m->p;
        if (c == '>' && !inside) return m->p++, true;
        if (c == '[') inside = x->any_entity = true;
        if (c == ']') inside = false;
        if (ft__markup_at(m, "<!--")) {
            if (!ft__xml_comment(m)) return false;
        } else if (c == '"' || c == '\'') {
            m->p++;
            if (!ft__xml_skip_past(m, c == '"' ? "\"" : "'", "a literal does not end"))
                return false;
        } else if (!ft__xml_next_char(m)) {
            return false;
        }
    }
    return ft__markup_bad(m, "the DOCTYPE does not end");
}

static bool ft__xml_attribute(ft__xml *x) {
    ft__markup *m = &x->m;
    ft__view name;
    if (!ft__xml_name(m, &name)) return false;
    uint32_t id = ft__interner_id(&x->names, name);
    if (x->names.failed || !ft__grow(&x->names.allocator, (void **)&x->last_tag, &x->cap_last,
                                     (size_t)id + 1, sizeof *x->last_tag))
        return ft__xml_fail_memory(x);
    while (x->n_last <= id) x->last_tag[x->n_last++] = 0;
    if (x->last_tag[id] == x->n_tags) return ft__markup_bad(m, "the attribute is there twice");
    x->last_tag[id] = x->n_tags;
    ft__xml_skip_spaces(m);
    if (!ft__markup_skip(m, "=")) return ft__markup_bad(m, "expected '=' after an attribute");
    ft__xml_skip_spaces(m);
    if (m->p == m->end || (*m->p != '"' && *m->p != '\''))
        return ft__markup_bad(m, "the attribute's value is not in quotes");
    char quote = *m->p++;
    while (m->p < m->end && *m->p != quote) {
        if (*m->p == '<') return ft__markup_bad(m, "'<' in an attribute");
        if (*m->p == '&' ? !ft__xml_reference(x) : !ft__xml_next_char(m)) return false;
    }
    if (m->p == m->end) return ft__markup_bad(m, "an attribute's value does not end");
    m->p++;
    return true;
}

/* A start tag, or one of an empty element. */
static bool ft__xml_start_tag(ft__xml *x) {
    ft__markup *m = &x->m;
    ft__view name;
    bool space;
    m->p++;
    x->n_tags++;
    if (!ft__xml_name(m, &name)) return false;
    uint32_t id = ft__interner_id(&x->names, name);
    if (x->names.failed) return ft__xml_fail_memory(x);
    while ((space = ft__xml_skip_spaces(m)), m->p < m->end && *m->p != '>' && *m->p != '/') {
        if (!space) return ft__markup_bad(m, "expected white space before an attribute");
        if (!ft__xml_attribute(x)) return false;
    }
    if (ft__markup_skip(m, "/>")) return true;
    if (!ft__markup_skip(m, ">")) return ft__markup_bad(m, "the tag does not end");
    if (!ft__grow(&x->names.allocator, (void **)&x->open, &x->cap_open, x->n_open + 1,
                  sizeof *x->open))
        return ft__xml_fail_memory(x);
    x->open[x->n_open++] = id;
    return true;
}

static bool ft__xml_end_tag(ft__xml *x) {
    ft__markup *m = &x->m;
    ft__view name;
    m->p += 2;
    if (!ft__xml_name(m, &name)) return false;
    uint32_t id = ft__interner_id(&x->names, name);
    if (x->names.failed) return ft__xml_fail_memory(x);
    if (!x->n_open || x->open[x->n_open - 1] != id)
        return ft__markup_bad(m, "the end tag is not that of the open element");
    x->n_open--;
    ft__xml_skip_spaces(m);
    return ft__markup_skip(m, ">") ? true : ft__markup_bad(m, "the tag does not end");
}

/* Text between tags; outside of the root only white space. */
static bool ft__xml_text(ft__xml *x) {
    ft__markup *m = &x->m;
    while (m->p < m->end && *m->p != '<') {
        if (!x->n_open && !ft__xml_is_space(*m->p))
            return ft__markup_bad(m, "text outside of the root element");
        if (*m->p == ']' && ft__markup_at(m, "]]>")) return ft__markup_bad(m, "\"]]>\" in text");
        if (*m->p == '&' ? !ft__xml_reference(x) : !ft__xml_next_char(m)) return false;
    }
    return true;
}

static bool ft__xml_document(ft__xml *x) {
    ft__markup *m = &x->m;
    bool root = false, doctype = false, ok = true;
    ft__markup_skip(m, "\xEF\xBB\xBF");
    if (!ft__xml_declaration(m)) return false;
    while (ok && m->p < m->end) {
        if (*m->p != '<') {
            ok = ft__xml_text(x);
        } else if (ft__markup_at(m, "<!--")) {
            ok = ft__xml_comment(m);
        } else if (ft__markup_at(m, "<?")) {
            ok = ft__xml_instruction(m);
        } else if (ft__markup_at(m, "</")) {
            ok = ft__xml_end_tag(x);
        } else if (x->n_open && ft__markup_skip(m, "<![CDATA[")) {
            ok = ft__xml_skip_past(m, "]]>", "a CDATA section does not end");
        } else if (!root && !doctype && ft__markup_at(m, "<!DOCTYPE")) {
            doctype = true;
            ok = ft__xml_doctype(x);
        } else if (root && !x->n_open) {
            ok = ft__markup_bad(m, "a second root element");
        } else {
            root = true;
            ok = ft__xml_start_tag(x);
        }
    }
    if (!ok) return false;
    if (x->n_open) return ft__markup_bad(m, "an element does not end");
    return root ? true : ft__markup_bad(m, "no element");
}

static bool ft__xml_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                          ft_score *score) {
    ft__xml x;
    (void)row;
    memset(&x, 0, sizeof x);
    x.m.start = x.m.p = output.text;
    x.m.end = output.text + output.n;
    ft__interner_init(&x.names, &e->arena.allocator);
    ft__xml_document(&x);
    ft__markup_score(&x.m, score);
    ft__free(&e->arena.allocator, x.last_tag);
    ft__free(&e->arena.allocator, x.open);
    ft__interner_free(&x.names);
    return !x.out_of_memory;
}

/* ---- CSV */

typedef struct ft__csv {
    char delimiter;
    size_t columns;         /* 0: as many as the first row has */
    const ft__json *header; /* the first row, as a list; NULL: any */
} ft__csv;

static ft_status ft__csv_prepare(ft_evaluator *e, ft_error *err) {
    const ft__json *delimiter = ft__param(e, "delimiter"), *header = ft__param(e, "header");
    ft__csv *csv = (ft__csv *)ft__arena_alloc(&e->arena, 1, sizeof *csv);
    double columns = 0;
    if (!csv) return ft__fail_memory(err);
    e->state = csv;
    if (delimiter->text_len != 1 || (unsigned char)*delimiter->text >= 0x80 ||
        *delimiter->text == 0 || strchr("\"\r\n", *delimiter->text))
        return ft__param_bad(e, "delimiter", "one ASCII character", err);
    csv->delimiter = *delimiter->text;
    if (ft__param(e, "columns")->type != FT__JSON_NULL) {
        ft_status status = ft__param_number(e, "columns", 1, 1e9, true, &columns, err);
        if (status != FT_OK) return status;
    }
    csv->columns = (size_t)columns;
    if (header->type == FT__JSON_NULL) return FT_OK;
    csv->header = header;
    const ft__json *name = header->type == FT__JSON_ARRAY ? header->child : NULL;
    if (!name) return ft__param_bad(e, "header", "a list of names", err);
    for (; name; name = name->next)
        if (name->type != FT__JSON_STRING)
            return ft__param_bad(e, "header", "a list of names", err);
    if (columns > 0 && header->count != csv->columns)
        return ft__param_bad(e, "header", "a list of as many names as there are columns", err);
    return FT_OK;
}

/* Text may be anything but controls and broken UTF-8. */
static bool ft__csv_next_char(ft__markup *m) {
    unsigned char c = (unsigned char)*m->p;
    const char *p = m->p;
    if (c < 0x80) {
        if ((c < 0x20 && c != '\t') || c == 0x7F)
            return ft__markup_bad(m, c == '\r' || c == '\n' ? "a line end that is none"
                                                            : "a control character");
        m->p++;
        return true;
    }
    if (ft__utf8_next(&p, m->end) == FT__BAD_UTF8) return ft__markup_bad(m, "invalid UTF-8");
    m->p = p;
    return true;
}

/* Reads one field; `value`, if given, gets what it means. */
static bool ft__csv_field(ft__markup *m, char delimiter, ft__buf *value) {
    bool quoted = ft__markup_skip(m, "\"");
    while (m->p < m->end) {
        const char *start = m->p;
        if (*m->p == '"') {
            if (!quoted) return ft__markup_bad(m, "a quote inside a field without quotes");
            if (++m->p == m->end || *m->p != '"') return true;
            m->p++;
            start++;
        } else if (!quoted && (*m->p == delimiter || *m->p == '\n' || ft__markup_at(m, "\r\n"))) {
            return true;
        } else if (quoted && (*m->p == '\r' || *m->p == '\n')) {
            m->p++;
        } else if (!ft__csv_next_char(m)) {
            return false;
        }
        if (value) ft__buf_add(value, start, (size_t)(m->p - start));
    }
    return quoted ? ft__markup_bad(m, "a quoted field does not end") : true;
}

/* Reads one row and its line end.  In the first one the header's names are looked for. */
static bool ft__csv_row(ft__markup *m, const ft__csv *csv, const ft__json *header, ft__buf *value,
                        size_t *columns) {
    const ft__json *name = header;
    size_t n = 0;
    do {
        const char *start = m->p;
        value->len = 0;
        if (!ft__csv_field(m, csv->delimiter, name ? value : NULL)) return false;
        n++;
        if (!header) continue;
        if (!name || !ft__text_equal(name->text, name->text_len, value->data, value->len)) {
            m->p = start;
            return ft__markup_bad(m, "the header is another");
        }
        name = name->next;
    } while (m->p < m->end && *m->p == csv->delimiter && m->p++);
    if (m->p < m->end && *m->p != '\n' && !ft__markup_at(m, "\r\n"))
        return ft__markup_bad(m, "text after a quoted field");
    if (!*columns) *columns = n;
    if (name) return ft__markup_bad(m, "the header is another");
    if (n != *columns)
        return ft__markup_bad(m, n < *columns ? "too few fields" : "too many fields");
    if (!ft__markup_skip(m, "\r\n")) ft__markup_skip(m, "\n");
    return true;
}

static bool ft__csv_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                          ft_score *score) {
    const ft__csv *csv = (const ft__csv *)e->state;
    const ft__json *header = csv->header ? csv->header->child : NULL;
    size_t columns = csv->columns;
    ft__markup m = {output.text, output.text, output.text + output.n, NULL};
    ft__buf value;
    (void)row;
    ft__buf_init(&value, &e->arena.allocator);
    if (m.p == m.end) ft__markup_bad(&m, "no row");
    for (; m.p < m.end && ft__csv_row(&m, csv, header, &value, &columns); header = NULL) continue;
    ft__markup_score(&m, score);
    bool ok = !value.failed;
    ft__buf_free(&value);
    return ok;
}

/* ---- rows of the registry */

FT__PRIV const ft__evaluator_kind *ft__markup_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"xml_valid", "the output is one well-formed XML document", "", "{\"threshold\": 1}",
          0, 1, true, 1, "xml_valid|xml1.0|v1", FT_FROM_TEXT},
         0, NULL, ft__xml_score, NULL},
        {{"csv_valid", "the output is CSV with rows of one length, and the given header", "",
          "{\"delimiter\": \",\", \"columns\": null, \"header\": null, \"threshold\": 1}",
          0, 1, true, 1, "csv_valid|rfc4180|v1", FT_FROM_TEXT},
         0, ft__csv_prepare, ft__csv_score, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
