/* A row of data: one JSON object, kept as it was parsed; and its texts. */
#include "eval.h"

FT__PRIV const ft__json *ft__row_get(const ft_row *row, const char *field) {
    const ft__json *value = ft__json_get(row->value, field);
    return value && value->type != FT__JSON_NULL ? value : NULL;
}

ft_row *ft_row_parse(const char *json, size_t n_bytes, const ft_allocator *allocator,
                     ft_error *err) {
    ft_allocator a = ft__allocator(allocator);
    ft_row *row = (ft_row *)ft__alloc_zero(&a, 1, sizeof *row);
    ft__json *value = NULL;
    if (!row) {
        ft__fail_memory(err);
        return NULL;
    }
    ft__arena_init(&row->arena, &a);
    ft_status status = ft__json_parse(json, n_bytes, "row", 1, &row->arena, &value, err);
    if (status == FT_OK && value->type != FT__JSON_OBJECT)
        status = ft__fail(err, FT_ERR_DATA, "row", "a row must be an object, found %s",
                          ft__json_type_name(value->type));
    row->value = value;
    if (status == FT_OK) return row;
    ft_row_free(row);
    return NULL;
}

void ft_row_free(ft_row *row) {
    if (!row) return;
    ft_allocator a = row->arena.allocator;
    ft__arena_free(&row->arena);
    ft__free(&a, row);
}

const char *ft_row_field(const ft_row *row, const char *path, size_t *n_bytes) {
    const ft__json *value = ft__json_path(row->value, path);
    ft__view v = ft__json_as_text(value);
    if (n_bytes) *n_bytes = v.n;
    return v.text;
}

/* ---- values as texts */

FT__PRIV ft__view ft__json_view(const ft__json *text) {
    ft__view v = {"", 0};
    if (text->text_len) v.text = text->text, v.n = text->text_len;
    return v;
}

FT__PRIV ft__view ft__json_key_view(const ft__json *member) {
    ft__view v = {"", 0};
    if (member->key_len) v.text = member->key, v.n = member->key_len;
    return v;
}

FT__PRIV const char *ft__json_excerpt(const ft__json *value, char out[66]) {
    if (value->type == FT__JSON_NUMBER) return ft__text_excerpt(ft__json_view(value), out);
    if (value->type != FT__JSON_STRING) return ft__json_type_name(value->type);
    ft__text_excerpt(ft__json_view(value), out + 1);
    out[0] = '"';
    memcpy(out + strlen(out), "\"", 2);
    return out;
}

FT__PRIV ft__view ft__json_as_text(const ft__json *value) {
    ft__view v = {NULL, 0};
    switch (value ? value->type : FT__JSON_NULL) {
    case FT__JSON_STRING:
    case FT__JSON_NUMBER: return ft__json_view(value);
    case FT__JSON_TRUE: v.text = "true", v.n = 4; break;
    case FT__JSON_FALSE: v.text = "false", v.n = 5; break;
    default: break;
    }
    return v;
}

FT__PRIV bool ft__row_text(const ft_row *row, const char *field, ft__view *text, ft_score *score) {
    const ft__json *value = ft__row_get(row, field);
    *text = ft__json_as_text(value);
    if (text->text) return true;
    if (!value) return !ft__score_error(score, "row has no \"%s\"", field);
    return !ft__score_error(score, "\"%s\" must be a text, found %s", field,
                            ft__json_type_name(value->type));
}

FT__PRIV bool ft__json_choices(const ft__json *list, const char *const *names, size_t n,
                               unsigned *chosen) {
    *chosen = list && list->type != FT__JSON_NULL ? 0 : (1u << n) - 1;
    if (*chosen) return true;
    if (list->type != FT__JSON_ARRAY) return false;
    for (const ft__json *item = list->child; item; item = item->next) {
        size_t i = 0;
        while (i < n && (item->type != FT__JSON_STRING ||
                         !ft__text_is(ft__json_view(item), names[i])))
            i++;
        if (i == n) return false;
        *chosen |= 1u << i;
    }
    return true;
}

/* A message's content is a text, or a list of parts of which some are texts. */
static void ft__row_add_text(const ft__json *value, ft__buf *out, bool *any) {
    ft__view v = ft__json_as_text(value);
    if (!v.text) return;
    if (*any) ft__buf_text(out, "\n\n");
    ft__buf_add(out, v.text, v.n);
    *any = true;
}

static bool ft__row_has_role(const ft__json *message, const char *role) {
    const ft__json *value = ft__json_get(message, "role");
    return !role || (value && value->type == FT__JSON_STRING && strcmp(value->text, role) == 0);
}

FT__PRIV bool ft__row_collect(const ft_row *row, const char *field, const char *role,
                              ft__buf *out) {
    const ft__json *value = ft__row_get(row, field);
    bool any = false;
    ft__row_add_text(value, out, &any);
    if (!value || value->type != FT__JSON_ARRAY) return any;
    for (const ft__json *item = value->child; item; item = item->next) {
        const ft__json *content = ft__json_get(item, "content");
        if (!role) ft__row_add_text(item, out, &any);
        if (!content || !ft__row_has_role(item, role)) continue;
        ft__row_add_text(content, out, &any);
        if (content->type == FT__JSON_ARRAY)
            for (const ft__json *part = content->child; part; part = part->next)
                ft__row_add_text(ft__json_get(part, "text"), out, &any);
    }
    return any;
}

FT__PRIV void ft__answers_set(ft__answers *answers, const ft__json *one, const ft__json *list) {
    answers->one = one;
    answers->list = list ? list->child : NULL;
    answers->n = (one ? 1 : 0) + (list ? list->count : 0);
}

FT__PRIV bool ft__answers_find(ft__answers *answers, const ft_row *row, ft_score *score) {
    const ft__json *one = ft__row_get(row, "expected"), *list = ft__row_get(row, "references");
    ft__view text;
    if (one && !ft__row_text(row, "expected", &text, score)) return false;
    if (list && list->type != FT__JSON_ARRAY)
        return !ft__score_error(score, "\"references\" must be a list, found %s",
                                ft__json_type_name(list->type));
    ft__answers_set(answers, one, list);
    for (const ft__json *v = answers->list; v; v = v->next)
        if (!ft__json_as_text(v).text)
            return !ft__score_error(score, "\"references\" must be a list of texts, found %s",
                                    ft__json_type_name(v->type));
    if (answers->n) return true;
    return !ft__score_error(score, "row has no \"expected\"");
}

FT__PRIV const ft__json *ft__answers_next(ft__answers *answers) {
    const ft__json *value = answers->one ? answers->one : answers->list;
    if (answers->one) answers->one = NULL;
    else if (value) answers->list = value->next;
    return value;
}
