/* Tool calls: finding them in a model's text.

   What counts as a call:

     {"name": "f", "arguments": {...}}         also "parameters", "args", "input", and "function"
                                               or "tool" for the name; arguments may be a string
     {"tool_calls": [{"function": {...}}]}     OpenAI; lists of any of these; "function_call"
     <tool_call>{...}</tool_call>              Hermes, Qwen; other such tags are in a table below
     <tool_call>f<arg_key>a</arg_key><arg_value>1</arg_value>      GLM
     <function=f><parameter=a>1</parameter></function>             Qwen3-Coder; <invoke name="f">
     <|python_tag|>{...}; {...}                Llama 3
     [TOOL_CALLS][{...}], [TOOL_CALLS]f{...}   Mistral
     [f(a=1, b="x"), g()]                      Python syntax, wherever it stands
     f(a=1), f{"a": 1}                         if it has its line to itself (the second is what is
                                               left of Mistral's form without its special tokens)
     f(a=1)                                    if a fenced block holds nothing but calls; there only
                                               with keywords: len("x") rather is a piece of Python

   Without a tag around it an object is a call only if it has both a name and arguments.  What
   stands before </think> is thought, not done.  How values are read, toolcall_value.c tells.

   Known limits: values of the XML forms carry no type: they are taken for whatever the row expects
   there.  Reading takes linear time: when the reader's budget is used up, the search ends. */
#include "toolcall.h"

/* ---- values as calls */

static const ft__json ft__toolcall_nothing = {FT__JSON_OBJECT, 0, NULL, 0,    0,
                                              NULL,            0, 0,    NULL, NULL};

FT__PRIV const ft__json *ft__toolcall_first_of(const ft__json *object, const char *const *keys,
                                               size_t n) {
    const ft__json *found = NULL;
    for (size_t i = 0; i < n && !found; i++) found = ft__json_get(object, keys[i]);
    return found;
}

static void ft__toolcall_push(ft__tool_calls *calls, ft__arena *arena, ft__tool_call call) {
    if (calls->n == calls->cap) {
        size_t cap = calls->cap ? 2 * calls->cap : 8;
        ft__tool_call *items = (ft__tool_call *)ft__arena_alloc(arena, cap, sizeof *items);
        if (!items) return;
        if (calls->n) memcpy(items, calls->items, calls->n * sizeof *items);
        calls->items = items;
        calls->cap = cap;
    }
    calls->items[calls->n++] = call;
}

/* Absent and null are no arguments, and so is a blank string.  NULL: no object. */
static const ft__json *ft__toolcall_arguments(const ft__json *v, ft__arena *arena) {
    if (v && v->type == FT__JSON_STRING) {
        if (ft__text_strip(ft__json_view(v)).n == 0) return &ft__toolcall_nothing;
        v = ft__toolcall_whole(ft__json_view(v), arena);
    } else if (!v || v->type == FT__JSON_NULL) {
        return &ft__toolcall_nothing;
    }
    return v && v->type == FT__JSON_OBJECT ? v : NULL;
}

/* Finds name and arguments (NULL: there is no such key) in one of the forms that a call has. */
static bool ft__toolcall_parts(const ft__json *v, ft__view *name, const ft__json **arguments) {
    static const char *const wrappers[] = {"function", "function_call"};
    static const char *const names[] = {"name", "function", "tool"};
    static const char *const values[] = {"arguments", "parameters", "args", "input"};
    const ft__json *inner = ft__toolcall_first_of(v, wrappers, FT__COUNT(wrappers));
    if (inner && inner->type == FT__JSON_OBJECT) v = inner;
    const ft__json *text = ft__toolcall_first_of(v, names, FT__COUNT(names));
    if (!text || text->type != FT__JSON_STRING || text->text_len == 0) return false;
    *name = ft__json_view(text);
    *arguments = ft__toolcall_first_of(v, values, FT__COUNT(values));
    return true;
}

static void ft__toolcall_add(ft__toolcall_reader *r, ft__view name, const ft__json *arguments,
                             const char *begin) {
    ft__tool_call call;
    call.name = name;
    call.arguments = arguments;
    call.begin = (size_t)(begin - r->text);
    call.end = (size_t)(r->p - r->text);
    ft__toolcall_push(r->calls, r->arena, call);
}

/* The calls that a value from `begin` to p is: one, or a list.  tagged: it can hardly be anything
   else. */
static void ft__toolcall_add_value(ft__toolcall_reader *r, const ft__json *v, bool tagged,
                                   const char *begin) {
    const ft__json *list = ft__json_get(v, "tool_calls"), *arguments;
    ft__view name;
    if (list && list->type == FT__JSON_ARRAY) tagged = true;
    else list = v->type == FT__JSON_ARRAY ? v : NULL;
    for (const ft__json *one = list ? list->child : v; one; one = list ? one->next : NULL)
        if (ft__toolcall_parts(one, &name, &arguments) && (arguments || tagged))
            ft__toolcall_add(r, name, ft__toolcall_arguments(arguments, r->arena), begin);
}

/* ---- tags */

/* What stands before `closing`, and past that; false at the end of the text. */
static bool ft__toolcall_until(ft__toolcall_reader *r, const char *closing, ft__view *inside) {
    inside->text = r->p;
    while ((r->p = (const char *)memchr(r->p, *closing, (size_t)(r->end - r->p))) != NULL) {
        inside->n = (size_t)(r->p - inside->text);
        if (ft__toolcall_skip(r, closing)) return true;
        r->p++;
    }
    r->p = r->end;
    return false;
}

/* The rest of <function=NAME> or <invoke name="NAME">. */
static bool ft__toolcall_tag_name(ft__toolcall_reader *r, ft__view *name) {
    ft__toolcall_skip_any(r, " \"");
    name->text = r->p;
    while (r->p < r->end && !strchr("\"<>\n", *r->p)) r->p++;
    name->n = (size_t)(r->p - name->text);
    *name = ft__text_strip(*name);
    ft__toolcall_skip_any(r, " \"");
    return name->n && ft__toolcall_skip(r, ">");
}

static ft__json *ft__toolcall_untyped(ft__toolcall_reader *r, ft__view text) {
    if (text.n && *text.text == '\n') text.text++, text.n--;
    if (text.n && text.text[text.n - 1] == '\n') text.n--;
    ft__json *v = ft__toolcall_new_text(r, text);
    if (v) v->line = FT__TOOLCALL_UNTYPED;
    return v;
}

/* The XML forms: TAG NAME>, then for each argument OPEN KEY> or, in GLM, the key in a tag of its
   own.  GLM's name follows <tool_call>. */
typedef struct ft__toolcall_xml {
    const char *tag, *open, *key_end, *value, *value_end, *close;
} ft__toolcall_xml;

static const ft__toolcall_xml ft__toolcall_xml_forms[] = {
    {"<function=", "<parameter=", NULL, "", "</parameter>", "</function>"},
    {"<invoke name=", "<parameter name=", NULL, "", "</parameter>", "</invoke>"},
};
static const ft__toolcall_xml ft__toolcall_glm = {
    "", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", "</tool_call>"};

/* The arguments up to the closing tag, as an object; what is broken there makes them unreadable,
   which is a null. */
static ft__json *ft__toolcall_xml_arguments(ft__toolcall_reader *r, const ft__toolcall_xml *form) {
    ft__json *v = ft__toolcall_new(r, FT__JSON_OBJECT, 0);
    if (!v) return NULL;
    ft__json **tail = &v->child;
    for (ft__toolcall_blanks(r); ft__toolcall_skip(r, form->open); ft__toolcall_blanks(r)) {
        ft__view key, value;
        bool ok = form->key_end ? ft__toolcall_until(r, form->key_end, &key)
                                : ft__toolcall_tag_name(r, &key);
        if (form->key_end) ft__toolcall_blanks(r);
        ok = ok && ft__toolcall_skip(r, form->value) &&
             ft__toolcall_until(r, form->value_end, &value);
        ft__json *text = ok ? ft__toolcall_untyped(r, value) : NULL;
        if (!text) return NULL;
        ft__toolcall_append(r, v, &tail, text, ft__text_strip(key));
    }
    ft__toolcall_skip(r, form->close);
    return v;
}

/* After a name that follows a tag: its brackets, or Mistral's and GLM's ways to go on. */
static bool ft__toolcall_named(ft__toolcall_reader *r, ft__view name) {
    ft__json *v;
    if (ft__toolcall_at(r, '(')) {
        r->p = name.text;
        bool ok = ft__toolcall_try(r, &v) && r->is_call;
        if (ok) ft__toolcall_add_value(r, v, true, name.text);
        return ok;
    }
    if (ft__toolcall_skip(r, "[CALL_ID]"))
        while (r->p < r->end && (ft__toolcall_is_letter(*r->p) || ft__ascii_digit(*r->p)))
            r->p++;
    ft__toolcall_skip(r, "[ARGS]");
    ft__toolcall_blanks(r);
    if (ft__toolcall_at(r, '{')) {
        if (!ft__toolcall_try(r, &v)) return false;
        ft__toolcall_add(r, name, v, name.text);
        return true;
    }
    if (!ft__toolcall_looks_at(r, ft__toolcall_glm.open) &&
        !ft__toolcall_looks_at(r, ft__toolcall_glm.close))
        return false;
    v = ft__toolcall_xml_arguments(r, &ft__toolcall_glm);
    ft__toolcall_add(r, name, v, name.text);
    return true;
}

/* What follows a tag: any number of values and named calls. */
static void ft__toolcall_tagged(ft__toolcall_reader *r) {
    for (;;) {
        ft__json *v;
        ft__toolcall_skip_any(r, " \t\r\n;,");
        const char *begin = r->p;
        if (ft__toolcall_at(r, '{') || ft__toolcall_at(r, '[')) {
            if (!ft__toolcall_try(r, &v)) return;
            ft__toolcall_add_value(r, v, true, begin);
        } else {
            ft__view name = ft__toolcall_name(r);
            if (name.n && ft__toolcall_named(r, name)) continue;
            r->p = begin;
            return;
        }
    }
}

/* At a <.  False if there is no tag that we know. */
static bool ft__toolcall_tag(ft__toolcall_reader *r) {
    static const char *const plain[] = {"<tool_call>", "<|python_tag|>", "<|tool_call|>",
                                        "<function_call>", "<functioncall>", "<tool_use>"};
    const char *begin = r->p;
    ft__view name;
    for (size_t i = 0; i < FT__COUNT(plain); i++)
        if (ft__toolcall_skip(r, plain[i])) {
            ft__toolcall_tagged(r);
            return true;
        }
    for (size_t i = 0; i < FT__COUNT(ft__toolcall_xml_forms); i++) {
        const ft__toolcall_xml *form = &ft__toolcall_xml_forms[i];
        ft__json *v = NULL;
        if (!ft__toolcall_skip(r, form->tag)) continue;
        if (!ft__toolcall_tag_name(r, &name)) return true;
        ft__toolcall_blanks(r);
        if (!ft__toolcall_at(r, '{')) v = ft__toolcall_xml_arguments(r, form);
        else if (!ft__toolcall_try(r, &v)) v = NULL;
        ft__toolcall_add(r, name, v, begin);
        return true;
    }
    return false;
}

/* ---- calls in Python syntax that stand alone */

/* A line that is nothing but a call: past it, or where it was. */
static void ft__toolcall_line(ft__toolcall_reader *r) {
    const char *line = r->p;
    ft__json *v;
    ft__toolcall_skip_any(r, " \t");
    ft__view name = ft__toolcall_name(r);
    bool python = ft__toolcall_at(r, '(');
    bool ok = name.n && (python || ft__toolcall_at(r, '{'));
    if (python) r->p = name.text; /* read together with the name */
    if (ok && ft__toolcall_try(r, &v) && r->is_call == python) {
        const char *stop = r->p;
        ft__toolcall_skip_any(r, " \t\r;,");
        ok = r->p == r->end || *r->p == '\n';
        r->p = stop;
        if (ok && python) ft__toolcall_add_value(r, v, true, name.text);
        else if (ok) ft__toolcall_add(r, name, v, name.text);
        if (ok) return;
        ft__toolcall_charge(r, line);
    }
    r->p = line;
}

/* Behind the ``` that opens a block: if its label allows Python and it holds nothing but calls, to
   its end.  Else to its first line. */
static void ft__toolcall_fence(ft__toolcall_reader *r) {
    static const char *const labels[] = {"", "python", "py", "tool_code"};
    ft__view label = ft__toolcall_name(r);
    bool ok = false, bare = ft__text_is(label, "tool_code");
    size_t n = r->calls->n;
    ft__json *v;
    for (size_t i = 0; i < FT__COUNT(labels); i++) ok = ok || ft__text_is(label, labels[i]);
    const char *body = r->p;
    while (ok) {
        ft__toolcall_skip_any(r, " \t\r\n;,");
        if (r->p == r->end || ft__toolcall_looks_at(r, "```")) return;
        const char *begin = r->p;
        ok = ft__toolcall_is_letter(*begin) && ft__toolcall_try(r, &v) && r->is_call &&
             (bare || !r->positional);
        if (ok) ft__toolcall_add_value(r, v, true, begin);
    }
    r->p = body;
    r->calls->n = n;
}

/* ---- the whole text */

/* Behind </think>; to the end if a thought was begun and not ended. */
static void ft__toolcall_skip_thought(ft__toolcall_reader *r) {
    const char *start = r->p;
    ft__view thought;
    ft__toolcall_blanks(r);
    bool begun = ft__toolcall_looks_at(r, "<think>");
    if (!ft__toolcall_until(r, "</think>", &thought) && !begun) r->p = start;
}

FT__PRIV bool ft__tool_calls_read(ft__view text, ft__arena *arena, ft__tool_calls *calls) {
    ft__toolcall_reader r;
    bool fenced = false, line = true;
    ft__json *v;
    memset(calls, 0, sizeof *calls);
    ft__toolcall_init(&r, text, arena, calls);
    ft__toolcall_skip_thought(&r);
    while (r.p < r.end && r.budget && !arena->failed) {
        if (line && !fenced) ft__toolcall_line(&r);
        line = false;
        while (r.p < r.end && *r.p != '\n' && *r.p != '<' && *r.p != '[' && *r.p != '{' &&
               *r.p != '`')
            r.p++;
        if (r.p == r.end) break;
        const char *begin = r.p;
        if (*begin == '\n') {
            line = true;
            r.p++;
        } else if (ft__toolcall_skip(&r, "```")) {
            fenced = !fenced;
            if (fenced) ft__toolcall_fence(&r);
        } else if (ft__toolcall_skip(&r, "[TOOL_CALLS]")) {
            ft__toolcall_tagged(&r);
        } else if ((*begin == '[' || *begin == '{') && ft__toolcall_try(&r, &v)) {
            ft__toolcall_add_value(&r, v, false, begin);
        } else if (*begin != '<' || !ft__toolcall_tag(&r)) {
            r.p++;
        }
    }
    return !arena->failed;
}

FT__PRIV bool ft__tool_calls_expected(const ft_row *row, const char *field, ft__arena *arena,
                                      ft__tool_calls *calls, ft_score *score) {
    const ft__json *list = ft__row_get(row, field), *arguments;
    memset(calls, 0, sizeof *calls);
    if (!list) return !ft__score_error(score, "row has no \"%.60s\"", field);
    if (list->type != FT__JSON_ARRAY)
        return !ft__score_error(score, "\"%.60s\" must be a list, found %s", field,
                                ft__json_type_name(list->type));
    for (const ft__json *v = list->child; v; v = v->next) {
        ft__tool_call call = {ft__json_view(v), NULL, 0, 0};
        bool named = v->type == FT__JSON_STRING && v->text_len;
        if (!named && !ft__toolcall_parts(v, &call.name, &arguments))
            return !ft__score_error(score, "\"%.60s\" must be a list of {name, arguments}", field);
        if (!named && arguments) {
            call.arguments = ft__toolcall_arguments(arguments, arena);
            if (!call.arguments && !arena->failed)
                return !ft__score_error(score, "the arguments in \"%.60s\" must be objects", field);
        }
        ft__toolcall_push(calls, arena, call);
    }
    return true;
}

