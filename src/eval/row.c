/* A row of data: one JSON object, kept as it was parsed. */
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
