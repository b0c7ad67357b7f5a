/* What a JSON object may hold, as tables of keys with one walker for jobs and rows alike; and a
   table of names, for ids and cohorts. */
#include "release.h"

/* The way down to a value, for messages; on the stack of the walk. */
typedef struct ft__shape_place ft__shape_place;
struct ft__shape_place {
    const ft__shape_place *up;
    const char *key; /* NULL: an element of a list */
    size_t index;
};

FT__PRIV const char *ft__shape_where(const char *file, uint32_t line, char out[384]) {
    if (line)
        snprintf(out, 384, "%s:%u", file, (unsigned)line);
    else
        snprintf(out, 384, "%s", file);
    return out;
}

/* "gate.rules[1].mode"; as deep as the tables are, at most. */
static void ft__shape_path(const ft__shape_place *place, char *out, size_t cap) {
    if (!place) {
        snprintf(out, cap, "%s", "");
        return;
    }
    ft__shape_path(place->up, out, cap);
    size_t n = strlen(out);
    if (place->key)
        snprintf(out + n, cap - n, "%s%s", n ? "." : "", place->key);
    else
        snprintf(out + n, cap - n, "[%llu]", (unsigned long long)place->index);
}

/* "PATH" must be WHAT, found FOUND */
static ft_status ft__shape_fail(const ft__shape_context *c, const ft__shape_place *place,
                                const ft__json *value, const char *what, const char *found) {
    char path[160], where[384];
    ft__shape_path(place, path, sizeof path);
    ft__shape_where(c->file, value->line, where);
    if (!path[0]) return ft__fail(c->err, c->code, where, "must be %s, found %s", what, found);
    return ft__fail(c->err, c->code, where, "\"%s\" must be %s, found %s", path, what, found);
}

static ft_status ft__shape_wrong_type(const ft__shape_context *c, const ft__shape_place *place,
                                      const ft__json *value, unsigned types) {
    static const struct {
        unsigned bits;
        const char *text;
    } names[] = {{FT__SHAPE_STRING, "a string"},
                 {FT__SHAPE_NUMBER, "a number"},
                 {FT__SHAPE_BOOL, "true or false"},
                 {FT__SHAPE_LIST, "an array"},
                 {FT__SHAPE_OBJECT, "an object"}}; /* null is as good as absent: not worth a word */
    char what[96] = "";
    for (size_t i = 0; i < FT__COUNT(names); i++) {
        size_t n = strlen(what);
        if (types & names[i].bits)
            snprintf(what + n, sizeof what - n, "%s%s", n ? " or " : "", names[i].text);
    }
    return ft__shape_fail(c, place, value, what, ft__json_type_name(value->type));
}

static ft_status ft__shape_check_number(const ft__shape_context *c, const ft__shape_place *place,
                                        const ft__json *value, const ft__shape *shape) {
    char lowest[32], highest[32], what[96], found[48];
    bool whole = (shape->types & FT__SHAPE_WHOLE) != 0;
    double x = value->number;
    if (x >= shape->lowest && x <= shape->highest &&
        (!whole || ft__json_is_integer(value, shape->lowest, shape->highest)))
        return FT_OK;
    ft__number_write(shape->lowest, lowest);
    ft__number_write(shape->highest, highest);
    const char *kind = whole ? "an integer" : "a number";
    if (shape->highest == DBL_MAX)
        snprintf(what, sizeof what, "%s of at least %s", kind, lowest);
    else
        snprintf(what, sizeof what, "%s from %s to %s", kind, lowest, highest);
    int n = value->text_len > 40 ? 40 : (int)value->text_len;
    snprintf(found, sizeof found, "%.*s", n, value->text);
    return ft__shape_fail(c, place, value, what, found);
}

static ft_status ft__shape_walk(const ft__shape_context *c, const ft__shape_place *place,
                                const ft__json *value, const ft__shape *shape);

static ft_status ft__shape_unknown_key(const ft__shape_context *c, const ft__shape_place *place,
                                       const ft__json *value, const ft__shape *keys) {
    char path[160], where[384];
    size_t n = 0;
    while (keys[n].name) n++;
    const char *near = ft__nearest(value->key, keys, n, sizeof *keys);
    ft__shape_path(place, path, sizeof path);
    ft__shape_where(c->file, value->line, where);
    if (near)
        return ft__fail(c->err, c->code, where, "unknown key \"%s\"; did you mean \"%s\"?", path,
                        near);
    return ft__fail(c->err, c->code, where, "unknown key \"%s\"", path);
}

static ft_status ft__shape_twice(const ft__shape_context *c, const ft__shape_place *place,
                                 const ft__json *value) {
    char path[160], where[384];
    ft__shape_path(place, path, sizeof path);
    return ft__fail(c->err, c->code, ft__shape_where(c->file, value->line, where),
                    "\"%s\" is given twice", path);
}

static ft_status ft__shape_walk_object(const ft__shape_context *c, const ft__shape_place *place,
                                       const ft__json *value, const ft__shape *shape) {
    ft_status status = FT_OK;
    for (const ft__json *member = value->child; member && !status; member = member->next) {
        ft__shape_place here = {place, member->key, 0};
        const ft__shape *inner = shape->keys;
        while (inner && inner->name &&
               !ft__text_equal(inner->name, strlen(inner->name), member->key, member->key_len))
            inner++;
        if (inner && inner->name && ft__json_get(value, inner->name) != member)
            status = ft__shape_twice(c, &here, member);
        else if (!inner)
            status = shape->each ? ft__shape_walk(c, &here, member, shape->each) : FT_OK;
        else if (inner->name)
            status = ft__shape_walk(c, &here, member, inner);
        else if (!(shape->types & FT__SHAPE_OPEN))
            status = ft__shape_unknown_key(c, &here, member, shape->keys);
    }
    for (const ft__shape *key = shape->keys; key && key->name && !status; key++) {
        if (!(key->types & FT__SHAPE_NEEDED) || ft__json_get(value, key->name)) continue;
        char path[160], where[384];
        ft__shape_place here = {place, key->name, 0};
        ft__shape_path(&here, path, sizeof path);
        status = ft__fail(c->err, c->code, ft__shape_where(c->file, value->line, where),
                          "\"%s\" is missing", path);
    }
    return status;
}

static ft_status ft__shape_walk(const ft__shape_context *c, const ft__shape_place *place,
                                const ft__json *value, const ft__shape *shape) {
    ft_status status = FT_OK;
    bool filled = (shape->types & FT__SHAPE_FILLED) != 0;
    if (!(shape->types & (1u << value->type)))
        return ft__shape_wrong_type(c, place, value, shape->types);
    if (value->type == FT__JSON_NUMBER) return ft__shape_check_number(c, place, value, shape);
    if (value->type == FT__JSON_STRING && filled) {
        if (!value->text_len)
            return ft__shape_fail(c, place, value, "a string with text in it", "an empty one");
        if (memchr(value->text, 0, value->text_len))
            return ft__shape_fail(c, place, value, "a string without NUL characters", "one");
    }
    if (value->type == FT__JSON_ARRAY && filled && !value->count)
        return ft__shape_fail(c, place, value, "an array with something in it", "an empty one");
    if (value->type == FT__JSON_OBJECT) return ft__shape_walk_object(c, place, value, shape);
    if (value->type != FT__JSON_ARRAY || !shape->each) return FT_OK;
    ft__shape_place here = {place, NULL, 0};
    for (const ft__json *e = value->child; e && !status; e = e->next, here.index++)
        status = ft__shape_walk(c, &here, e, shape->each);
    return status;
}

FT__PRIV ft_status ft__shape_check(const ft__shape_context *c, const ft__json *value,
                                   const ft__shape *shape) {
    return ft__shape_walk(c, NULL, value, shape);
}

/* ---- names */

static uint64_t ft__names_hash(const char *name) { /* FNV-1a */
    uint64_t h = 14695981039346656037u;
    for (; *name; name++) h = (h ^ (unsigned char)*name) * 1099511628211u;
    return h ^ h >> 32;
}

/* Where the name is, or the free slot where it belongs. */
static size_t *ft__names_slot(const ft__names *t, const char *name) {
    size_t at = (size_t)ft__names_hash(name) & (t->n_slots - 1);
    while (t->slots[at] && strcmp(t->names[t->slots[at] - 1], name) != 0)
        at = (at + 1) & (t->n_slots - 1);
    return &t->slots[at];
}

static bool ft__names_rehash(ft__names *t, const ft_allocator *a) {
    size_t n = t->n_slots ? 2 * t->n_slots : 64;
    size_t *slots = (size_t *)ft__alloc_zero(a, n, sizeof *slots);
    if (!slots) return false;
    ft__free(a, t->slots);
    t->slots = slots;
    t->n_slots = n;
    for (size_t i = 0; i < t->n; i++) *ft__names_slot(t, t->names[i]) = i + 1;
    return true;
}

FT__PRIV bool ft__names_add(ft__names *t, const ft_allocator *a, const char *name, size_t *index,
                            bool *is_new) {
    if (2 * t->n >= t->n_slots && !ft__names_rehash(t, a)) return false;
    if (!ft__grow(a, (void **)&t->names, &t->cap, t->n + 1, sizeof *t->names)) return false;
    size_t *slot = ft__names_slot(t, name);
    *is_new = *slot == 0;
    if (*is_new) {
        t->names[t->n] = name;
        *slot = ++t->n;
    }
    *index = *slot - 1;
    return true;
}

FT__PRIV void ft__names_free(ft__names *t, const ft_allocator *a) {
    ft__free(a, t->names);
    ft__free(a, t->slots);
    memset(t, 0, sizeof *t);
}
