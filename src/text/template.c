/* Chat templates as programs see them: parse, render, and render the cases of a file.

   What a template needs from outside comes in as JSON; the time too, since a result that depends on the clock
   cannot be had again. */
#include "../io/io.h"
#include "jinja.h"

ft_template *ft_template_parse(const char *source, size_t n_bytes, const char *name, const ft_allocator *allocator,
                               ft_error *err) {
    return ft__jinja_parse(source, n_bytes, name, allocator, err);
}

void ft_template_free(ft_template *t) {
    if (!t) return;
    ft_allocator allocator = t->allocator;
    ft__arena_free(&t->arena);
    ft__free(&allocator, t);
}

/* ---- rendering */

static ft_status ft__template_fail(const ft__jinja *r, ft_error *err) {
    char where[320];
    if (r->status == FT_ERR_MEMORY) return ft__fail_memory(err);
    snprintf(where, sizeof where, "%.300s:%u", r->t->name, (unsigned)r->line);
    return ft__fail(err, r->status, r->line ? where : r->t->name, "%s", r->message);
}

FT__PRIV ft_status ft__template_render(const ft_template *t, const ft__json *input, const char *now, ft__buf *out,
                                       ft_error *err) {
    ft__jinja r;
    if (input->type != FT__JSON_OBJECT)
        return ft__fail(err, FT_ERR_DATA, t->name, "the input must be an object, found %s",
                        ft__json_type_name(input->type));
    ft__jinja_init(&r, t, now, NULL);
    ft_status status = ft__jinja_run(&r, input);
    if (!status) ft__buf_add(out, r.out.data, r.out.len);
    else ft__template_fail(&r, err);
    ft__jinja_done(&r);
    return !status && out->failed ? ft__fail_memory(err) : status;
}

ft_status ft_template_render(const ft_template *t, const char *input_json, size_t n_bytes, const char *now,
                             ft_write_fn write, void *user, ft_error *err) {
    ft__arena arena;
    ft__buf out;
    ft__json *input;
    ft__arena_init(&arena, &t->allocator);
    ft__buf_init(&out, &t->allocator);
    ft_status status = ft__json_parse(input_json, n_bytes, "input", 1, &arena, &input, err);
    if (!status) status = ft__template_render(t, input, now, &out, err);
    if (!status) status = ft__buf_write(&out, write, user, NULL, err);
    ft__buf_free(&out);
    ft__arena_free(&arena);
    return status;
}

/* ---- where templates come from */

static bool ft__template_ends(const char *path, const char *end) {
    size_t n = strlen(path), m = strlen(end);
    return n >= m && strcmp(path + n - m, end) == 0;
}

static ft_status ft__template_copy(const char *text, size_t n, ft__arena *arena, const char **source, size_t *n_out,
                                   ft_error *err) {
    *source = ft__arena_text(arena, text, n);
    *n_out = n;
    return *source ? FT_OK : ft__fail_memory(err);
}

static ft_status ft__template_of_gguf(const char *path, ft__arena *arena, const char **source, size_t *n,
                                      ft_error *err) {
    ft__gguf g;
    ft__gguf_str text = {NULL, 0};
    ft_status status = ft__gguf_open(&g, path, &arena->allocator, err);
    if (status) return status;
    status = ft__gguf_string(&g, "tokenizer.chat_template", &text, err);
    if (!status && !text.data)
        status = ft__fail(err, FT_ERR_UNSUPPORTED, path,
                          "the model has no chat template (tokenizer.chat_template)");
    if (!status) status = ft__template_copy(text.data, text.len, arena, source, n, err);
    ft__gguf_close(&g);
    return status;
}

/* "chat_template": a text, or a list of {"name", "template"} of which "default" counts. */
static const ft__json *ft__template_in_config(const ft__json *config) {
    const ft__json *found = ft__json_get(config, "chat_template");
    if (!found || found->type != FT__JSON_ARRAY) return found;
    for (const ft__json *one = found->child; one; one = one->next) {
        const ft__json *name = ft__json_get(one, "name");
        if (name && name->type == FT__JSON_STRING && strcmp(name->text, "default") == 0)
            return ft__json_get(one, "template");
    }
    return NULL;
}

/* The template in one of the folder's JSON files; *source stays NULL if the file or the template is absent. */
static ft_status ft__template_of_config(const char *path, ft__arena *arena, const char **source, size_t *n,
                                        ft_error *err) {
    ft_error absent;
    ft__json *json;
    char *text;
    ft_status status = ft__read_file(path, &arena->allocator, &text, n, &absent);
    if (status == FT_ERR_NOT_FOUND) return FT_OK;
    if (status) return ft__fail(err, status, absent.where, "%s", absent.message);
    status = ft__json_parse(text, *n, path, 1, arena, &json, err);
    ft__free(&arena->allocator, text);
    if (status) return status;
    const ft__json *found = ft__template_in_config(json);
    if (!found || found->type != FT__JSON_STRING) return FT_OK;
    *source = found->text; /* in the arena already */
    *n = found->text_len;
    return FT_OK;
}

static ft_status ft__template_of_folder(const char *path, ft__arena *arena, const char **source, size_t *n,
                                        ft_error *err) {
    static const char *const configs[] = {"tokenizer_config.json", "chat_template.json"};
    ft_error absent;
    char *text;
    const char *file = ft__path_join(arena, path, "chat_template.jinja");
    if (!file) return ft__fail_memory(err);
    ft_status status = ft__read_file(file, &arena->allocator, &text, n, &absent);
    if (!status) {
        status = ft__template_copy(text, *n, arena, source, n, err);
        ft__free(&arena->allocator, text);
        return status;
    }
    if (status != FT_ERR_NOT_FOUND) return ft__fail(err, status, absent.where, "%s", absent.message);
    *source = NULL;
    for (size_t i = 0; i < FT__COUNT(configs) && !*source; i++) {
        file = ft__path_join(arena, path, configs[i]);
        if (!file) return ft__fail_memory(err);
        status = ft__template_of_config(file, arena, source, n, err);
        if (status) return status;
    }
    if (*source) return FT_OK;
    return ft__fail(err, FT_ERR_NOT_FOUND, path,
                    "expected a template, or a model with one: a GGUF file, or a folder with a chat template");
}

/* A file that is no GGUF is the template itself. */
FT__PRIV ft_status ft__template_source(const char *path, ft__arena *arena, const char **source, size_t *n,
                                       ft_error *err) {
    ft__mapping file;
    if (ft__template_ends(path, ".gguf")) return ft__template_of_gguf(path, arena, source, n, err);
    if (ft__is_folder(path)) return ft__template_of_folder(path, arena, source, n, err);
    ft_status status = ft__map_file(path, &file, err);
    if (status) return status;
    bool gguf = file.size >= 4 && memcmp(file.data, "GGUF", 4) == 0;
    if (!gguf) status = ft__template_copy((const char *)file.data, file.size, arena, source, n, err);
    ft__unmap(&file);
    return gguf ? ft__template_of_gguf(path, arena, source, n, err) : status;
}

/* ---- the cases of a file */

typedef struct ft__template_cases {
    ft_template *t;
    const char *now;
    ft__jsonl lines;
    ft_write_fn write;
    void *user;
} ft__template_cases;

/* One line in, one line out.  That a case cannot be rendered is a result, not a failure; that memory is out
   is one. */
static ft_status ft__template_case(ft__template_cases *c, const ft__json *row, ft_error *err) {
    char where[384];
    ft__jinja r;
    ft__buf line;
    ft__json_writer w;
    const ft__json *input = ft__json_get(row, "input");
    if (!input || input->type != FT__JSON_OBJECT) {
        snprintf(where, sizeof where, "%s:%u", c->lines.name, (unsigned)c->lines.line);
        return ft__fail(err, FT_ERR_DATA, where, "\"input\" must be an object, found %s",
                        input ? ft__json_type_name(input->type) : "nothing");
    }
    ft__jinja_init(&r, c->t, c->now, NULL);
    ft__buf_init(&line, &c->t->allocator);
    ft__json_writer_init(&w, &line, 0);
    ft_status status = ft__jinja_run(&r, input);
    ft__json_begin(&w, '{');
    ft__json_key(&w, status ? "error" : "output");
    if (status && r.raised.type == FT__JV_STR) ft__json_string(&w, r.raised.as.s->data, r.raised.as.s->len);
    else if (status) ft__json_text(&w, r.message);
    else ft__json_string(&w, r.out.data ? r.out.data : "", r.out.len);
    ft__json_end(&w, '}');
    ft__buf_byte(&line, '\n');
    status = status == FT_ERR_MEMORY ? ft__fail_memory(err)
                                     : ft__buf_write(&line, c->write, c->user, NULL, err);
    ft__buf_free(&line);
    ft__jinja_done(&r);
    return status;
}

static ft_status ft__template_all_cases(ft__template_cases *c, const char *path, ft_error *err) {
    char *text;
    size_t n;
    ft__json *row = NULL;
    ft_allocator a = c->t->allocator;
    ft_status status = ft__read_file(path, &a, &text, &n, err);
    if (status) return status;
    ft__jsonl_init(&c->lines, text, n, path);
    do {
        ft__arena arena;
        ft__arena_init(&arena, &a);
        status = ft__jsonl_next(&c->lines, &arena, &row, err);
        if (!status && row) status = ft__template_case(c, row, err);
        ft__arena_free(&arena);
    } while (!status && row);
    ft__free(&a, text);
    return status;
}

ft_status ft_write_renders(const char *path, const char *cases_path, const char *now, ft_write_fn write, void *user,
                           ft_error *err) {
    ft_error mine;
    ft__template_cases c;
    ft__arena arena;
    const char *source;
    size_t n;
    ft_allocator a = ft__allocator(NULL);
    if (!err) err = &mine;
    memset(&c, 0, sizeof c);
    c.now = now;
    c.write = write;
    c.user = user;
    ft__arena_init(&arena, &a);
    ft_status status = ft__template_source(path, &arena, &source, &n, err);
    if (!status) c.t = ft_template_parse(source, n, path, &a, err);
    if (!status && !c.t) status = err->code;
    ft__arena_free(&arena);
    if (!status) status = ft__template_all_cases(&c, cases_path, err);
    ft_template_free(c.t);
    return status;
}
