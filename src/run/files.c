/* Whole files, and ids written as text, in one call. */
#include "run.h"

char *ft_read_file(const char *path, size_t *n_bytes, ft_error *err) {
    ft_allocator a = ft__allocator(NULL);
    char *data;
    return ft__read_file(path, &a, &data, n_bytes, err) == FT_OK ? data : NULL;
}

static ft_status ft__files_line(const ft_model *model, const char *text, size_t n_bytes, unsigned flags,
                                ft__arena *arena, ft__buf *line, ft_error *err) {
    size_t n, cap = 3 * n_bytes + 3;
    int32_t *tokens = (int32_t *)ft__arena_alloc(arena, cap, sizeof *tokens);
    if (!tokens) return ft__fail_memory(err);
    ft_status status = ft_tokenize(model, text, n_bytes, flags, tokens, cap, &n, err);
    if (status) return status;
    ft__buf_byte(line, '[');
    for (size_t i = 0; i < n; i++) ft__buf_printf(line, "%s%d", i ? "," : "", (int)tokens[i]);
    ft__buf_text(line, "]\n");
    return line->failed ? ft__fail_memory(err) : FT_OK;
}

ft_status ft_write_tokens(const ft_model *model, const char *text, size_t n_bytes, unsigned flags,
                          ft_write_fn write, void *user, ft_error *err) {
    ft__arena arena;
    ft__buf line;
    ft__arena_init(&arena, &model->allocator);
    ft__buf_init(&line, &model->allocator);
    ft_status status = ft__files_line(model, text, n_bytes, flags, &arena, &line, err);
    if (!status) status = ft__buf_write(&line, write, user, NULL, err);
    ft__buf_free(&line);
    ft__arena_free(&arena);
    return status;
}

/* One row, in an arena of its own; *end is set after the last. */
static ft_status ft__files_row(const ft_model *model, ft__jsonl *rows, ft__arena *arena, unsigned flags,
                               ft_write_fn write, void *user, bool *end, ft_error *err) {
    char where[384];
    ft__json *row;
    ft_status status = ft__jsonl_next(rows, arena, &row, err);
    *end = !row;
    if (status || !row) return status;
    const ft__json *text = ft__json_get(row, "text");
    if (text && text->type == FT__JSON_STRING)
        return ft_write_tokens(model, text->text, text->text_len, flags, write, user, err);
    snprintf(where, sizeof where, "%s:%u", rows->name, (unsigned)rows->line);
    return ft__fail(err, FT_ERR_DATA, where, "\"text\" must be a string, found %s",
                    text ? ft__json_type_name(text->type) : "nothing");
}

ft_status ft_write_tokens_of_rows(const ft_model *model, const char *path, unsigned flags,
                                  ft_write_fn write, void *user, ft_error *err) {
    char *data;
    size_t n;
    ft__jsonl rows;
    bool end = false;
    ft_status status = ft__read_file(path, &model->allocator, &data, &n, err);
    if (status) return status;
    ft__jsonl_init(&rows, data, n, path);
    while (!status && !end) {
        ft__arena arena;
        ft__arena_init(&arena, &model->allocator);
        status = ft__files_row(model, &rows, &arena, flags, write, user, &end, err);
        ft__arena_free(&arena);
    }
    ft__free(&model->allocator, data);
    return status;
}

/* A number at *p, not negative or with one minus; moves *p past it. */
static bool ft__files_id(const char **p, int32_t *id) {
    bool minus = **p == '-';
    int64_t value = 0;
    const char *digits = *p += minus;
    for (; **p >= '0' && **p <= '9' && value <= INT32_MAX; ++*p) value = value * 10 + (**p - '0');
    *id = (int32_t)(minus ? -value : value);
    return *p > digits && value <= INT32_MAX;
}

static bool ft__files_ids(const char *p, int32_t *ids, int *n) {
    static const char blank[] = " \t\r\n";
    for (*n = 0, p += strspn(p, blank); *p; p += strspn(p, blank)) {
        if (*n && *p == ',') p += 1 + strspn(p + 1, blank);
        if (!ft__files_id(&p, &ids[(*n)++]) || (*p && !strchr(", \t\r\n", *p))) return false;
    }
    return *n > 0;
}

int32_t *ft_read_ids(const char *list, int *n, ft_error *err) {
    size_t size;
    char *file = list[0] == '@' ? ft_read_file(list + 1, &size, err) : NULL;
    if (list[0] == '@' && !file) return NULL;
    const char *text = file ? file : list;
    int32_t *ids = (int32_t *)malloc((strlen(text) / 2 + 2) * sizeof *ids);
    bool ok = ids && ft__files_ids(text, ids, n);
    if (!ids) ft__fail_memory(err);
    else if (!ok)
        ft__fail(err, FT_ERR_ARGUMENT, file ? list + 1 : "ids", "found \"%.60s\", expected ids like 1,2,3", text);
    if (!ok) free(ids);
    free(file);
    return ok ? ids : NULL;
}
