/* How Python's values behave: truth, equality, order, items, attributes, and how they look as text.

   Values are never changed once they are made, but for namespaces; so lists and texts are shared freely, and
   what is cut out of one points into it.  All memory is the rendering's arena, counted against its limit. */
#include "jinja.h"

/* ---- making values */

FT__PRIV void *ft__jinja_alloc(ft__jinja *r, size_t count, size_t size) {
    size_t total;
    if (r->status) return NULL;
    if (!ft__mul_size(count, size, &total) || total > r->limit.memory - r->memory) {
        ft__jinja_fail(r, FT_ERR_LIMIT, "more than %zu MiB of memory", r->limit.memory >> 20);
        return NULL;
    }
    void *memory = ft__arena_alloc(&r->arena, count, size);
    if (!memory) ft__jinja_fail(r, FT_ERR_MEMORY, "out of memory");
    r->memory += total;
    return ft__jinja_work(r, total / 64) ? memory : NULL;
}

FT__PRIV ft__jv ft__jinja_value(ft__jv_type type) {
    ft__jv v;
    memset(&v, 0, sizeof v);
    v.type = (uint8_t)type;
    return v;
}

FT__PRIV ft__jv ft__jinja_none(void) { return ft__jinja_value(FT__JV_NONE); }

FT__PRIV ft__jv ft__jinja_bool(bool b) {
    ft__jv v = ft__jinja_value(FT__JV_BOOL);
    v.as.i = b;
    return v;
}

FT__PRIV ft__jv ft__jinja_int(int64_t i) {
    ft__jv v = ft__jinja_value(FT__JV_INT);
    v.as.i = i;
    return v;
}

FT__PRIV ft__jv ft__jinja_float(double f) {
    ft__jv v = ft__jinja_value(FT__JV_FLOAT);
    v.as.f = f;
    return v;
}

FT__PRIV ft__jv ft__jinja_undefined(ft__jv_type owner, const ft__jstr *name) {
    ft__jv v = ft__jinja_value(FT__JV_UNDEFINED);
    v.flag = (uint8_t)owner;
    v.as.s = name;
    return v;
}

static size_t ft__jinja_count_chars(const char *data, size_t len) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++) n += ((unsigned char)data[i] & 0xC0) != 0x80;
    return n;
}

/* With the number of characters known. */
static ft__jv ft__jinja_str_of(ft__jinja *r, const char *data, size_t len, size_t chars, ft__jgrow *grow) {
    ft__jstr *s = (ft__jstr *)ft__jinja_alloc(r, 1, sizeof *s);
    if (!s) return ft__jinja_undefined(FT__JV_MISSING, NULL);
    s->data = data;
    s->len = len;
    s->chars = chars;
    s->grow = grow;
    ft__jv v = ft__jinja_value(FT__JV_STR);
    v.as.s = s;
    return v;
}

FT__PRIV ft__jv ft__jinja_str(ft__jinja *r, const char *data, size_t len) {
    return ft__jinja_str_of(r, data, len, ft__jinja_count_chars(data, len), NULL);
}

/* Over a copy of the bytes. */
static ft__jv ft__jinja_text(ft__jinja *r, const char *data, size_t len) {
    char *copy = (char *)ft__jinja_alloc(r, len, 1);
    if (!copy) return ft__jinja_undefined(FT__JV_MISSING, NULL);
    if (len) memcpy(copy, data, len);
    return ft__jinja_str(r, copy, len);
}

FT__PRIV ft__jv ft__jinja_hint(ft__jinja *r, const char *text) {
    ft__jv message = ft__jinja_text(r, text, strlen(text));
    return ft__jinja_undefined(FT__JV_TYPES, message.type == FT__JV_STR ? message.as.s : NULL);
}

FT__PRIV bool ft__jinja_fail_undefined(ft__jinja *r, ft__jv v) {
    const char *name = v.as.s ? v.as.s->data : "a value";
    int n = v.as.s ? (int)(v.as.s->len < 200 ? v.as.s->len : 200) : 7;
    ft__jv owner = ft__jinja_value((ft__jv_type)(v.flag < FT__JV_TYPES ? v.flag : 0));
    if (v.flag == FT__JV_TYPES) return ft__jinja_error(r, "%.*s", n, name);
    if (v.flag == FT__JV_MISSING) return ft__jinja_error(r, "'%.*s' is undefined", n, name);
    return ft__jinja_error(r, "'%s object' has no attribute '%.*s'", ft__jinja_type_name(owner), n, name);
}

FT__PRIV ft__jv ft__jinja_list(ft__jinja *r, ft__jv_type type, const ft__jv *items, size_t n) {
    ft__jlist *list = (ft__jlist *)ft__jinja_alloc(r, 1, sizeof *list);
    if (!list) return ft__jinja_undefined(FT__JV_MISSING, NULL);
    list->items = items;
    list->n = n;
    ft__jv v = ft__jinja_value(type);
    v.as.list = list;
    return v;
}

FT__PRIV ft__jv ft__jinja_pair(ft__jinja *r, ft__jv a, ft__jv b) {
    ft__jv *items = (ft__jv *)ft__jinja_alloc(r, 2, sizeof *items);
    if (!items) return ft__jinja_undefined(FT__JV_MISSING, NULL);
    items[0] = a;
    items[1] = b;
    return ft__jinja_list(r, FT__JV_TUPLE, items, 2);
}

FT__PRIV ft__jv ft__jinja_generator(ft__jinja *r, void (*make)(ft__jinja *, ft__jgenerator *)) {
    ft__jgenerator *g = (ft__jgenerator *)ft__jinja_alloc(r, 1, sizeof *g);
    if (!g) return ft__jinja_undefined(FT__JV_MISSING, NULL);
    g->make = make;
    ft__jv v = ft__jinja_value(FT__JV_GENERATOR);
    v.as.generator = g;
    return v;
}

FT__PRIV bool ft__jinja_generate(ft__jinja *r, ft__jgenerator *g, ft__jv item) {
    if (r->status) return false;
    if (g->n == g->cap) {
        size_t cap = g->cap ? 2 * g->cap : 8;
        ft__jv *items = (ft__jv *)ft__jinja_alloc(r, cap, sizeof *items);
        if (!items) return false;
        if (g->n) memcpy(items, g->items, g->n * sizeof *items);
        g->items = items;
        g->cap = cap;
    }
    g->items[g->n++] = item;
    return true;
}

/* ---- dictionaries: entries in order; beyond eight, a table of their places (open addressing, place + 1) */

static uint64_t ft__jinja_hash_bytes(const char *data, size_t n) {
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)data[i]) * 0x100000001B3u;
    return h ^ h >> 29;
}

/* Equal values have equal hashes: a float that is whole hashes like its integer. */
static uint64_t ft__jinja_hash(const ft__jv *v) {
    uint64_t h = 0;
    switch (v->type) {
    case FT__JV_STR: return ft__jinja_hash_bytes(v->as.s->data, v->as.s->len);
    case FT__JV_BOOL:
    case FT__JV_INT: return (uint64_t)v->as.i * 0x9E3779B97F4A7C15u;
    case FT__JV_FLOAT:
        if (v->as.f >= -9.2e18 && v->as.f <= 9.2e18 && (double)(int64_t)v->as.f == v->as.f)
            return (uint64_t)(int64_t)v->as.f * 0x9E3779B97F4A7C15u;
        return 1;
    case FT__JV_BIG: return 1;
    case FT__JV_TUPLE:
        for (size_t i = 0; i < v->as.list->n && i < 8; i++)
            if (v->as.list->items[i].type != FT__JV_TUPLE) h = h * 31 + ft__jinja_hash(&v->as.list->items[i]);
        return h;
    default: return v->type;
    }
}

static bool ft__jinja_hashable_within(const ft__jv *v, int depth) {
    if (v->type == FT__JV_LIST || v->type == FT__JV_DICT) return false;
    if (v->type != FT__JV_TUPLE) return true;
    for (size_t i = 0; i < v->as.list->n; i++)
        if (depth == 0 || !ft__jinja_hashable_within(&v->as.list->items[i], depth - 1)) return false;
    return true;
}

FT__PRIV bool ft__jinja_hashable(const ft__jv *v) { return ft__jinja_hashable_within(v, 64); }

FT__PRIV ft__jv ft__jinja_dict(ft__jinja *r) {
    ft__jv v = ft__jinja_value(FT__JV_DICT);
    v.as.dict = (ft__jdict *)ft__jinja_alloc(r, 1, sizeof *v.as.dict);
    return v.as.dict ? v : ft__jinja_undefined(FT__JV_MISSING, NULL);
}

static void ft__jinja_dict_place(ft__jdict *d, size_t i) {
    size_t slot = d->entries[i].hash & (d->index_size - 1);
    while (d->index[slot]) slot = (slot + 1) & (d->index_size - 1);
    d->index[slot] = (uint32_t)i + 1;
}

static bool ft__jinja_key_equal(ft__jinja *r, const ft__jv *a, const ft__jv *b) {
    if (a->type == FT__JV_STR && b->type == FT__JV_STR)
        return ft__text_equal(a->as.s->data, a->as.s->len, b->as.s->data, b->as.s->len);
    return a->type != FT__JV_STR && b->type != FT__JV_STR && r && ft__jinja_equal(r, *a, *b);
}

/* r may be NULL where all keys are strings. */
static ft__jentry *ft__jinja_dict_find(ft__jinja *r, const ft__jdict *d, const ft__jv *key, uint64_t hash) {
    if (!d->index) {
        for (size_t i = 0; i < d->n; i++)
            if (ft__jinja_key_equal(r, &d->entries[i].key, key)) return &d->entries[i];
        return NULL;
    }
    for (size_t slot = hash & (d->index_size - 1); d->index[slot]; slot = (slot + 1) & (d->index_size - 1)) {
        ft__jentry *entry = &d->entries[d->index[slot] - 1];
        if (entry->hash == hash && ft__jinja_key_equal(r, &entry->key, key)) return entry;
    }
    return NULL;
}

/* Room for one more entry. */
static bool ft__jinja_dict_room(ft__jinja *r, ft__jdict *d) {
    if (d->n < d->cap) return true;
    size_t cap = d->cap ? 2 * d->cap : 4;
    ft__jentry *entries = (ft__jentry *)ft__jinja_alloc(r, cap, sizeof *entries);
    if (!entries) return false;
    if (d->n) memcpy(entries, d->entries, d->n * sizeof *entries);
    d->entries = entries;
    d->cap = cap;
    if (cap <= 8) return true;
    d->index = (uint32_t *)ft__jinja_alloc(r, 2 * cap, sizeof *d->index);
    d->index_size = 2 * cap;
    if (!d->index) return false;
    for (size_t i = 0; i < d->n; i++) {
        d->entries[i].hash = ft__jinja_hash(&d->entries[i].key);
        ft__jinja_dict_place(d, i);
    }
    return true;
}

FT__PRIV bool ft__jinja_dict_set(ft__jinja *r, ft__jdict *d, ft__jv key, ft__jv value) {
    if (r->status) return false;
    if (!ft__jinja_hashable(&key)) return ft__jinja_error(r, "unhashable type: '%s'", ft__jinja_type_name(key));
    uint64_t hash = d->index || d->cap >= 8 ? ft__jinja_hash(&key) : 0;
    ft__jentry *entry = ft__jinja_dict_find(r, d, &key, hash);
    if (entry) {
        entry->value = value;
        return true;
    }
    if (r->status || !ft__jinja_dict_room(r, d)) return false;
    entry = &d->entries[d->n++];
    entry->key = key;
    entry->value = value;
    entry->hash = hash;
    if (d->index) ft__jinja_dict_place(d, d->n - 1);
    return true;
}

FT__PRIV const ft__jv *ft__jinja_dict_get(ft__jinja *r, const ft__jdict *d, ft__jv key) {
    ft__jentry *entry = ft__jinja_dict_find(r, d, &key, d->index ? ft__jinja_hash(&key) : 0);
    return entry ? &entry->value : NULL;
}

FT__PRIV const ft__jv *ft__jinja_dict_name(const ft__jdict *d, const ft__jstr *name) {
    ft__jv key = ft__jinja_value(FT__JV_STR);
    key.as.s = name;
    return ft__jinja_dict_get(NULL, d, key);
}

/* ---- from JSON */

static ft__jv ft__jinja_json_number(ft__jinja *r, const ft__json *json) {
    const char *digits = json->text;
    size_t n = json->text_len;
    for (size_t i = 0; i < n; i++)
        if (digits[i] == '.' || (digits[i] | 32) == 'e') return ft__jinja_float(json->number);
    bool negative = n && *digits == '-';
    return ft__jinja_int_of_text(r, digits + negative, n - negative, 10, negative);
}

/* Strings stay where the parser put them; its depth limit bounds the recursion. */
FT__PRIV ft__jv ft__jinja_from_json(ft__jinja *r, const ft__json *json) {
    ft__jv v = ft__jinja_none();
    size_t i = 0;
    switch (json->type) {
    case FT__JSON_NULL: return v;
    case FT__JSON_FALSE:
    case FT__JSON_TRUE: return ft__jinja_bool(json->type == FT__JSON_TRUE);
    case FT__JSON_NUMBER: return ft__jinja_json_number(r, json);
    case FT__JSON_STRING: return ft__jinja_str(r, json->text, json->text_len);
    case FT__JSON_ARRAY: break;
    case FT__JSON_OBJECT:
        v = ft__jinja_dict(r);
        for (const ft__json *m = json->child; m && !r->status; m = m->next) {
            ft__jv key = ft__jinja_str(r, m->key, m->key_len);
            ft__jinja_dict_set(r, v.as.dict, key, ft__jinja_from_json(r, m));
        }
        return v;
    }
    ft__jv *items = (ft__jv *)ft__jinja_alloc(r, json->count, sizeof *items);
    for (const ft__json *m = json->child; m && items; m = m->next) items[i++] = ft__jinja_from_json(r, m);
    return ft__jinja_list(r, FT__JV_LIST, items, json->count);
}

/* ---- questions */

FT__PRIV const char *ft__jinja_type_name(ft__jv v) {
    static const char *const names[] = {
        "Undefined", "Undefined", "NoneType", "bool", "int", "int", "float", "str", "list", "tuple", "range",
        "dict_keys", "dict_values", "dict_items", "generator", "dict", "Namespace", "Macro", "function",
        "builtin_function_or_method", "LoopContext"};
    return names[v.type];
}

/* What has `list`. */
static bool ft__jinja_is_sequence(ft__jv v) { return v.type >= FT__JV_LIST && v.type <= FT__JV_ITEMS; }

FT__PRIV bool ft__jinja_same(const ft__jstr *s, const char *text) {
    return s->len == strlen(text) && memcmp(s->data, text, s->len) == 0;
}

FT__PRIV bool ft__jinja_truth(ft__jv v) {
    switch (v.type) {
    case FT__JV_MISSING:
    case FT__JV_UNDEFINED:
    case FT__JV_NONE: return false;
    case FT__JV_BOOL:
    case FT__JV_INT: return v.as.i != 0;
    case FT__JV_FLOAT: return v.as.f != 0;
    case FT__JV_STR: return v.as.s->len != 0;
    case FT__JV_DICT: return v.as.dict->n != 0;
    default: return !ft__jinja_is_sequence(v) || v.as.list->n != 0;
    }
}

static bool ft__jinja_equal_lists(ft__jinja *r, const ft__jlist *a, const ft__jlist *b) {
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++)
        if (!ft__jinja_equal(r, a->items[i], b->items[i])) return false;
    return true;
}

static bool ft__jinja_equal_dicts(ft__jinja *r, const ft__jdict *a, const ft__jdict *b) {
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++) {
        const ft__jv *other = ft__jinja_dict_get(r, b, a->entries[i].key);
        if (!other || !ft__jinja_equal(r, a->entries[i].value, *other)) return false;
    }
    return true;
}

FT__PRIV bool ft__jinja_equal(ft__jinja *r, ft__jv a, ft__jv b) {
    bool equal = false;
    if (ft__jinja_is_number(a) && ft__jinja_is_number(b)) return ft__jinja_compare_numbers(r, a, b) == 0;
    if (a.type != b.type || !ft__jinja_work(r, 1)) return false;
    switch (a.type) {
    case FT__JV_MISSING:
    case FT__JV_UNDEFINED:
    case FT__JV_NONE: return true;
    case FT__JV_STR: return ft__text_equal(a.as.s->data, a.as.s->len, b.as.s->data, b.as.s->len);
    case FT__JV_LIST:
    case FT__JV_TUPLE:
    case FT__JV_RANGE:
    case FT__JV_KEYS:
    case FT__JV_ITEMS:
    case FT__JV_DICT:
        if (!ft__jinja_down(r)) return false;
        if (a.type == FT__JV_DICT) equal = ft__jinja_equal_dicts(r, a.as.dict, b.as.dict);
        else equal = ft__jinja_equal_lists(r, a.as.list, b.as.list);
        ft__jinja_up(r);
        return equal;
    case FT__JV_METHOD: return a.as.method->row == b.as.method->row &&
        ft__jinja_equal(r, a.as.method->self, b.as.method->self);
    default: return memcmp(&a.as, &b.as, sizeof a.as) == 0;
    }
}

/* Texts in the order of their code points, which UTF-8 keeps. */
static int ft__jinja_compare_strs(const ft__jstr *a, const ft__jstr *b) {
    size_t n = a->len < b->len ? a->len : b->len;
    int order = n ? memcmp(a->data, b->data, n) : 0;
    return order ? (order < 0 ? -1 : 1) : (a->len > b->len) - (a->len < b->len);
}

FT__PRIV int ft__jinja_compare(ft__jinja *r, ft__jv a, ft__jv b, const char *op) {
    int order = 0;
    if (!ft__jinja_work(r, 1)) return 0;
    if (ft__jinja_is_number(a) && ft__jinja_is_number(b)) return ft__jinja_compare_numbers(r, a, b);
    if (a.type == FT__JV_STR && b.type == FT__JV_STR) return ft__jinja_compare_strs(a.as.s, b.as.s);
    if (a.type == FT__JV_UNDEFINED || b.type == FT__JV_UNDEFINED) {
        ft__jinja_fail_undefined(r, a.type == FT__JV_UNDEFINED ? a : b);
        return 0;
    }
    if (a.type != b.type || (a.type != FT__JV_LIST && a.type != FT__JV_TUPLE)) {
        ft__jinja_error(r, "'%s' not supported between instances of '%s' and '%s'", op, ft__jinja_type_name(a),
                        ft__jinja_type_name(b));
        return 0;
    }
    const ft__jlist *x = a.as.list, *y = b.as.list;
    size_t i = 0;
    if (!ft__jinja_down(r)) return 0;
    while (i < x->n && i < y->n && ft__jinja_equal(r, x->items[i], y->items[i])) i++;
    if (i < x->n && i < y->n) order = ft__jinja_compare(r, x->items[i], y->items[i], op);
    else order = (x->n > y->n) - (x->n < y->n);
    ft__jinja_up(r);
    return order;
}

FT__PRIV bool ft__jinja_contains(ft__jinja *r, ft__jv item, ft__jv container) {
    const ft__jv *items;
    size_t n;
    if (container.type == FT__JV_STR) {
        if (item.type == FT__JV_STR) return ft__jinja_find(r, container.as.s, 0, item.as.s) >= 0;
        return ft__jinja_error(r, "'in <string>' requires string as left operand, not %s",
                               ft__jinja_type_name(item));
    }
    if (container.type == FT__JV_DICT) {
        if (ft__jinja_hashable(&item)) return ft__jinja_dict_get(r, container.as.dict, item) != NULL;
        return ft__jinja_error(r, "unhashable type: '%s'", ft__jinja_type_name(item));
    }
    if (!ft__jinja_iterable(container))
        return ft__jinja_error(r, "argument of type '%s' is not iterable", ft__jinja_type_name(container));
    if (!ft__jinja_iterate(r, container, &items, &n)) return false;
    for (size_t i = 0; i < n && !r->status; i++)
        if (ft__jinja_equal(r, items[i], item)) return true;
    return false;
}

FT__PRIV bool ft__jinja_iterable(ft__jv v) {
    return ft__jinja_is_sequence(v) || v.type == FT__JV_STR || v.type == FT__JV_DICT ||
           v.type == FT__JV_GENERATOR || v.type == FT__JV_UNDEFINED;
}

/* The characters of a text. */
static const ft__jv *ft__jinja_chars(ft__jinja *r, const ft__jstr *s) {
    ft__jv *items = (ft__jv *)ft__jinja_alloc(r, s->chars, sizeof *items);
    ft__jstr *one = (ft__jstr *)ft__jinja_alloc(r, s->chars, sizeof *one);
    const char *p = s->data, *end = p + s->len;
    for (size_t i = 0; one && p < end; i++) {
        one[i].data = p;
        ft__utf8_next(&p, end);
        one[i].len = (size_t)(p - one[i].data);
        one[i].chars = 1;
        items[i] = ft__jinja_value(FT__JV_STR);
        items[i].as.s = &one[i];
    }
    return one ? items : NULL;
}

static const ft__jv *ft__jinja_dict_keys(ft__jinja *r, const ft__jdict *d) {
    ft__jv *items = (ft__jv *)ft__jinja_alloc(r, d->n, sizeof *items);
    for (size_t i = 0; items && i < d->n; i++) items[i] = d->entries[i].key;
    return items;
}

/* A generator gives what is left of it, and is at its end then. */
static bool ft__jinja_drain(ft__jinja *r, ft__jgenerator *g) {
    void (*make)(ft__jinja *, ft__jgenerator *) = g->make;
    if (!make) return true;
    g->make = NULL;
    if (!ft__jinja_down(r)) return false;
    make(r, g);
    ft__jinja_up(r);
    return r->status == FT_OK;
}

FT__PRIV bool ft__jinja_iterate(ft__jinja *r, ft__jv v, const ft__jv **items, size_t *n) {
    *items = NULL;
    *n = 0;
    if (r->status) return false;
    if (ft__jinja_is_sequence(v)) {
        *items = v.as.list->items;
        *n = v.as.list->n;
    } else if (v.type == FT__JV_STR) {
        *items = ft__jinja_chars(r, v.as.s);
        *n = v.as.s->chars;
    } else if (v.type == FT__JV_DICT) {
        *items = ft__jinja_dict_keys(r, v.as.dict);
        *n = v.as.dict->n;
    } else if (v.type == FT__JV_GENERATOR) {
        ft__jgenerator *g = v.as.generator;
        if (!ft__jinja_drain(r, g)) return false;
        *items = g->items + g->at;
        *n = g->n - g->at;
        g->at = g->n;
    } else if (v.type != FT__JV_UNDEFINED) {
        return ft__jinja_error(r, "'%s' object is not iterable", ft__jinja_type_name(v));
    }
    return r->status == FT_OK;
}

FT__PRIV int64_t ft__jinja_length(ft__jinja *r, ft__jv v) {
    if (ft__jinja_is_sequence(v)) return (int64_t)v.as.list->n;
    if (v.type == FT__JV_STR) return (int64_t)v.as.s->chars;
    if (v.type == FT__JV_DICT) return (int64_t)v.as.dict->n;
    if (v.type == FT__JV_LOOP) return ft__jinja_loop_attr(r, v.as.loop, NULL).as.i;
    if (v.type != FT__JV_UNDEFINED) ft__jinja_error(r, "object of type '%s' has no len()", ft__jinja_type_name(v));
    return 0;
}

/* ---- attributes and items */

/* a.b: a method, else a key; what a template may not touch is undefined. */
FT__PRIV ft__jv ft__jinja_attr(ft__jinja *r, ft__jv v, const ft__jstr *name) {
    bool hidden = false;
    const ft__jv *found = NULL;
    if (v.type == FT__JV_UNDEFINED) ft__jinja_fail_undefined(r, v);
    if (r->status) return v;
    if (v.type == FT__JV_LOOP) return ft__jinja_loop_attr(r, v.as.loop, name);
    if (v.type == FT__JV_NAMESPACE) {
        found = ft__jinja_dict_name(v.as.dict, name);
        return found ? *found : ft__jinja_undefined(FT__JV_NAMESPACE, name);
    }
    const ft__jrow *row = ft__jinja_method(v, name, &hidden);
    if (row) {
        ft__jmethod *method = (ft__jmethod *)ft__jinja_alloc(r, 1, sizeof *method);
        if (!method) return ft__jinja_none();
        method->row = row;
        method->self = v;
        ft__jv bound = ft__jinja_value(FT__JV_METHOD);
        bound.as.method = method;
        return bound;
    }
    if (v.type == FT__JV_TUPLE && v.flag) { /* of groupby */
        if (ft__jinja_same(name, "grouper")) return v.as.list->items[0];
        if (ft__jinja_same(name, "list")) return v.as.list->items[1];
    }
    if (v.type == FT__JV_MACRO && ft__jinja_same(name, "name")) return v.as.macro->node->value;
    if (v.type == FT__JV_DICT && !hidden) found = ft__jinja_dict_name(v.as.dict, name);
    return found ? *found : ft__jinja_undefined((ft__jv_type)v.type, name);
}

/* a[b]: a key or index, else, if it is a text, an attribute. */
FT__PRIV ft__jv ft__jinja_item(ft__jinja *r, ft__jv v, ft__jv key) {
    if (v.type == FT__JV_UNDEFINED) ft__jinja_fail_undefined(r, v);
    if (r->status) return v;
    if (v.type == FT__JV_DICT && ft__jinja_hashable(&key)) {
        const ft__jv *found = ft__jinja_dict_get(r, v.as.dict, key);
        if (found) return *found;
    }
    bool indexed = v.type == FT__JV_STR || (v.type >= FT__JV_LIST && v.type <= FT__JV_RANGE);
    if (indexed && (key.type == FT__JV_INT || key.type == FT__JV_BOOL)) {
        int64_t n = ft__jinja_length(r, v), i = key.as.i < 0 ? key.as.i + n : key.as.i;
        if (i >= 0 && i < n) {
            if (v.type != FT__JV_STR) return v.as.list->items[i];
            const ft__jstr *s = v.as.s;
            size_t from = ft__jinja_offset(s, (size_t)i);
            const char *p = s->data + from;
            ft__utf8_next(&p, s->data + s->len);
            ft__jv one = ft__jinja_str_of(r, s->data + from, (size_t)(p - s->data) - from, 1, NULL);
            one.flag = v.flag;
            ft__jinja_work(r, s->chars == s->len ? 0 : from / 16);
            return one;
        }
    }
    if (key.type == FT__JV_STR) return ft__jinja_attr(r, v, key.as.s);
    size_t start = r->out.len;
    ft__jinja_put_repr(r, key);
    ft__jv name = ft__jinja_take(r, start);
    return ft__jinja_undefined((ft__jv_type)v.type, name.type == FT__JV_STR ? name.as.s : NULL);
}

/* The bounds of a slice over n items, as Python clamps them; how many it takes. */
static size_t ft__jinja_slice_bounds(int64_t n, ft__jv start, ft__jv stop, int64_t step, int64_t *first) {
    int64_t lowest = step < 0 ? -1 : 0, highest = step < 0 ? n - 1 : n, bounds[2];
    for (int i = 0; i < 2; i++) {
        ft__jv v = i ? stop : start;
        if (v.type == FT__JV_NONE) {
            bounds[i] = (i == 0) == (step < 0) ? highest : lowest;
            continue;
        }
        int64_t b = v.as.i < 0 ? v.as.i + n : v.as.i;
        bounds[i] = b < lowest ? lowest : b > highest ? highest : b;
    }
    *first = bounds[0];
    if (step > 0) return bounds[1] > bounds[0] ? (size_t)((bounds[1] - bounds[0] - 1) / step + 1) : 0;
    return bounds[0] > bounds[1] ? (size_t)((bounds[0] - bounds[1] - 1) / -step + 1) : 0;
}

static ft__jv ft__jinja_slice_str(ft__jinja *r, ft__jv v, int64_t first, size_t n, int64_t step) {
    const ft__jstr *s = v.as.s;
    ft__jv out;
    if (step == 1) {
        size_t from = n ? ft__jinja_offset(s, (size_t)first) : 0, to = from;
        ft__jstr rest = {s->data + from, s->len - from, s->chars - (size_t)(n ? first : 0), NULL};
        if (n) to = from + ft__jinja_offset(&rest, n);
        ft__jinja_work(r, s->len / 32);
        out = ft__jinja_str_of(r, s->data + from, to - from, n, NULL);
    } else {
        const ft__jv *chars = ft__jinja_chars(r, s);
        size_t start = r->out.len;
        for (size_t i = 0; chars && i < n; i++, first += step)
            ft__jinja_put(r, chars[first].as.s->data, chars[first].as.s->len);
        out = ft__jinja_take(r, start);
    }
    out.flag = v.flag;
    return out;
}

/* Bounds are ints or None; step likewise. */
FT__PRIV ft__jv ft__jinja_slice(ft__jinja *r, ft__jv v, ft__jv start, ft__jv stop, ft__jv step) {
    ft__jv bounds[3] = {start, stop, step};
    if (v.type == FT__JV_UNDEFINED) ft__jinja_fail_undefined(r, v);
    for (int i = 0; i < 3; i++) {
        if (bounds[i].type == FT__JV_NONE) continue;
        int64_t clamped = 0;
        ft__jinja_index(r, bounds[i], "slice indices must be integers or None", &clamped);
        bounds[i] = ft__jinja_int(clamped > (int64_t)1 << 60 ? (int64_t)1 << 60 : clamped < -((int64_t)1 << 60)
                                  ? -((int64_t)1 << 60) : clamped);
    }
    int64_t by = bounds[2].type == FT__JV_NONE ? 1 : bounds[2].as.i, first;
    if (by == 0) ft__jinja_error(r, "slice step cannot be zero");
    if (r->status) return v;
    if (v.type != FT__JV_STR && (v.type < FT__JV_LIST || v.type > FT__JV_RANGE)) {
        ft__jinja_error(r, "'%s' object cannot be sliced", ft__jinja_type_name(v));
        return v;
    }
    size_t n = ft__jinja_slice_bounds(ft__jinja_length(r, v), bounds[0], bounds[1], by, &first);
    if (v.type == FT__JV_STR) return ft__jinja_slice_str(r, v, first, n, by);
    ft__jv_type type = v.type == FT__JV_RANGE ? FT__JV_LIST : (ft__jv_type)v.type; /* nobody can tell */
    if (by == 1) return ft__jinja_list(r, type, n ? v.as.list->items + first : NULL, n);
    ft__jv *items = (ft__jv *)ft__jinja_alloc(r, n, sizeof *items);
    for (size_t i = 0; items && i < n; i++, first += by) items[i] = v.as.list->items[first];
    return ft__jinja_list(r, type, items, n);
}

/* ---- operators */

/* A text that grows by and by is made longer in place: its last extension may be written over no other. */
FT__PRIV ft__jv ft__jinja_concat(ft__jinja *r, ft__jv a, ft__jv b) {
    const ft__jstr *x = a.as.s, *y = b.as.s;
    size_t n = x->len + y->len;
    ft__jgrow *grow = x->grow;
    char *data = grow ? grow->data : NULL;
    if (y->len == 0) return a;
    if (x->len == 0) return b;
    if (!grow || x->data != data || x->len != grow->used || grow->cap - grow->used < y->len) {
        grow = n < 64 ? NULL : (ft__jgrow *)ft__jinja_alloc(r, 1, sizeof *grow);
        data = (char *)ft__jinja_alloc(r, grow ? 2 * n : n, 1);
        if (!data) return a;
        memcpy(data, x->data, x->len);
        if (grow) grow->data = data, grow->cap = 2 * n;
    }
    memcpy(data + x->len, y->data, y->len);
    if (grow) grow->used = n;
    return ft__jinja_str_of(r, data, n, x->chars + y->chars, grow);
}

/* Two lists joined; a list that grows by and by is made longer in place, as texts are. */
static ft__jv ft__jinja_join_lists(ft__jinja *r, ft__jv a, ft__jv b) {
    const ft__jlist *x = a.as.list, *y = b.as.list;
    size_t n = x->n + y->n;
    ft__jgrow *grow = x->grow;
    if (!grow || (const char *)x->items != grow->data || x->n != grow->used || grow->cap - grow->used < y->n) {
        grow = (ft__jgrow *)ft__jinja_alloc(r, 1, sizeof *grow);
        if (!grow) return a;
        grow->cap = n < 8 ? n : 2 * n;
        grow->data = (char *)ft__jinja_alloc(r, grow->cap, sizeof(ft__jv));
        if (!grow->data) return a;
        if (x->n) memcpy(grow->data, x->items, x->n * sizeof(ft__jv));
    }
    if (y->n) memcpy(grow->data + x->n * sizeof(ft__jv), y->items, y->n * sizeof(ft__jv));
    grow->used = n;
    ft__jlist *list = (ft__jlist *)ft__jinja_alloc(r, 1, sizeof *list);
    if (!list) return a;
    list->items = (const ft__jv *)(const void *)grow->data;
    list->n = n;
    list->grow = grow;
    ft__jv v = ft__jinja_value((ft__jv_type)a.type);
    v.as.list = list;
    return v;
}

static ft__jv ft__jinja_repeat(ft__jinja *r, ft__jv v, ft__jv times) {
    int64_t n = 0;
    ft__jinja_index(r, times, "can't multiply sequence by non-int", &n);
    if (n < 0) n = 0;
    size_t length = v.type == FT__JV_STR ? v.as.s->len : v.as.list->n, total;
    if (length == 0) n = 0;
    if (!ft__mul_size(length, (size_t)n, &total) || total > r->limit.memory / sizeof(ft__jv)) {
        ft__jinja_fail(r, FT_ERR_LIMIT, "a sequence repeated too often");
        return v;
    }
    size_t size = v.type == FT__JV_STR ? 1 : sizeof(ft__jv);
    char *data = (char *)ft__jinja_alloc(r, total, size);
    const void *from = v.type == FT__JV_STR ? (const void *)v.as.s->data : (const void *)v.as.list->items;
    for (int64_t i = 0; data && i < n; i++) memcpy(data + (size_t)i * length * size, from, length * size);
    if (v.type != FT__JV_STR) return ft__jinja_list(r, (ft__jv_type)v.type, (const ft__jv *)(void *)data, total);
    ft__jv out = ft__jinja_str(r, data, data ? total : 0);
    out.flag = v.flag;
    return out;
}

static ft__jv ft__jinja_add(ft__jinja *r, ft__jv a, ft__jv b) {
    if (a.type == FT__JV_STR && b.type == FT__JV_STR) {
        if (!a.flag && !b.flag) return ft__jinja_concat(r, a, b);
        ft__jv left = a.flag ? a : ft__jinja_escape(r, a), right = b.flag ? b : ft__jinja_escape(r, b);
        ft__jv out = ft__jinja_concat(r, left, right);
        out.flag = 1;
        return out;
    }
    return ft__jinja_join_lists(r, a, b);
}

static bool ft__jinja_can_repeat(ft__jv v) {
    return v.type == FT__JV_STR || v.type == FT__JV_LIST || v.type == FT__JV_TUPLE;
}

FT__PRIV ft__jv ft__jinja_binary(ft__jinja *r, int op, ft__jv a, ft__jv b) {
    char text[3] = {(char)(op < 256 ? op : op / 256), (char)(op < 256 ? 0 : op % 256), 0};
    if (r->status) return a;
    if (op == '%' && a.type == FT__JV_STR) return ft__jinja_percent(r, a, b);
    if (ft__jinja_is_number(a) && ft__jinja_is_number(b)) return ft__jinja_arithmetic(r, op, a, b);
    if (a.type == FT__JV_UNDEFINED || b.type == FT__JV_UNDEFINED) {
        ft__jinja_fail_undefined(r, a.type == FT__JV_UNDEFINED ? a : b);
        return a;
    }
    if (op == '+' && a.type == b.type && ft__jinja_can_repeat(a)) return ft__jinja_add(r, a, b);
    if (op == '*' && ft__jinja_can_repeat(a) && ft__jinja_is_int(b)) return ft__jinja_repeat(r, a, b);
    if (op == '*' && ft__jinja_can_repeat(b) && ft__jinja_is_int(a)) return ft__jinja_repeat(r, b, a);
    ft__jinja_error(r, "unsupported operand type(s) for %s: '%s' and '%s'", text, ft__jinja_type_name(a),
                    ft__jinja_type_name(b));
    return a;
}

/* ---- as text */

FT__PRIV void ft__jinja_put(ft__jinja *r, const char *text, size_t n) {
    if (r->status || !ft__jinja_work(r, n / 64)) return;
    if (n > r->limit.output - r->out.len) {
        ft__jinja_fail(r, FT_ERR_LIMIT, "more than %zu MiB of output", r->limit.output >> 20);
        return;
    }
    ft__buf_add(&r->out, text, n);
    if (r->out.failed) ft__jinja_fail(r, FT_ERR_MEMORY, "out of memory");
}

FT__PRIV void ft__jinja_puts(ft__jinja *r, const char *text) { ft__jinja_put(r, text, strlen(text)); }

FT__PRIV void ft__jinja_put_char(ft__jinja *r, uint32_t c) {
    char bytes[4];
    ft__jinja_put(r, bytes, (size_t)ft__utf8_encode(c, bytes));
}

FT__PRIV ft__jv ft__jinja_take(ft__jinja *r, size_t start) {
    if (r->status) return ft__jinja_undefined(FT__JV_MISSING, NULL);
    ft__jv v = ft__jinja_text(r, r->out.data ? r->out.data + start : "", r->out.len - start);
    r->out.len = start;
    return v;
}

FT__PRIV ft__jv ft__jinja_to_str(ft__jinja *r, ft__jv v) {
    size_t start = r->out.len;
    if (v.type == FT__JV_STR) return v;
    ft__jinja_put_value(r, v);
    return ft__jinja_take(r, start);
}

static bool ft__jinja_printable(uint32_t c) {
    unsigned bit = FT__CLASS_BIT(ft__char_class_of(c));
    return c == ' ' || !(bit & (FT__CLASS_SPACE | FT__CLASS_BIT(FT__UNICODE_C)));
}

static void ft__jinja_repr_str(ft__jinja *r, const ft__jstr *s) {
    bool has_single = memchr(s->data, '\'', s->len) != NULL, has_double = memchr(s->data, '"', s->len) != NULL;
    char quote = s->len && has_single && !has_double ? '"' : '\'', text[16];
    const char *p = s->data, *end = p + s->len;
    ft__jinja_put(r, &quote, 1);
    while (p < end && !r->status) {
        const char *at = p;
        uint32_t c = ft__utf8_next(&p, end);
        if (c == (uint32_t)(unsigned char)quote || c == '\\') snprintf(text, sizeof text, "\\%c", (char)c);
        else if (c == '\n' || c == '\r' || c == '\t')
            snprintf(text, sizeof text, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if (ft__jinja_printable(c)) {
            ft__jinja_put(r, at, (size_t)(p - at));
            continue;
        } else snprintf(text, sizeof text, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x",
                        (unsigned)c);
        ft__jinja_puts(r, text);
    }
    ft__jinja_put(r, &quote, 1);
}

static void ft__jinja_repr_dict(ft__jinja *r, const ft__jdict *d) {
    ft__jinja_put(r, "{", 1);
    for (size_t i = 0; i < d->n && !r->status; i++) {
        if (i) ft__jinja_put(r, ", ", 2);
        ft__jinja_put_repr(r, d->entries[i].key);
        ft__jinja_put(r, ": ", 2);
        ft__jinja_put_repr(r, d->entries[i].value);
    }
    ft__jinja_put(r, "}", 1);
}

static void ft__jinja_repr_list(ft__jinja *r, ft__jv v) {
    static const char *const open[] = {"[", "(", "", "dict_keys([", "dict_values([", "dict_items(["};
    static const char *const close[] = {"]", ")", "", "])", "])", "])"};
    const ft__jlist *list = v.as.list;
    if (v.type == FT__JV_RANGE) {
        char text[96];
        int n = snprintf(text, sizeof text, "range(%lld, %lld", (long long)list->range[0],
                         (long long)list->range[1]);
        if (list->range[2] != 1)
            n += snprintf(text + n, sizeof text - (size_t)n, ", %lld", (long long)list->range[2]);
        snprintf(text + n, sizeof text - (size_t)n, ")");
        ft__jinja_puts(r, text);
        return;
    }
    ft__jinja_puts(r, open[v.type - FT__JV_LIST]);
    for (size_t i = 0; i < list->n && !r->status; i++) {
        if (i) ft__jinja_put(r, ", ", 2);
        ft__jinja_put_repr(r, list->items[i]);
    }
    if (v.type == FT__JV_TUPLE && list->n == 1) ft__jinja_put(r, ",", 1);
    ft__jinja_puts(r, close[v.type - FT__JV_LIST]);
}

static void ft__jinja_repr_container(ft__jinja *r, ft__jv v) {
    if (!ft__jinja_down(r)) return;
    if (v.type == FT__JV_NAMESPACE) ft__jinja_puts(r, "<Namespace ");
    if (v.type == FT__JV_DICT || v.type == FT__JV_NAMESPACE) ft__jinja_repr_dict(r, v.as.dict);
    else ft__jinja_repr_list(r, v);
    if (v.type == FT__JV_NAMESPACE) ft__jinja_put(r, ">", 1);
    ft__jinja_up(r);
}

static void ft__jinja_repr_loop(ft__jinja *r, ft__jloop *loop) {
    char text[64];
    int64_t length = ft__jinja_loop_attr(r, loop, NULL).as.i;
    snprintf(text, sizeof text, "<LoopContext %lld/%lld>", (long long)loop->index0 + 1, (long long)length);
    ft__jinja_puts(r, text);
}

FT__PRIV void ft__jinja_put_repr(ft__jinja *r, ft__jv v) {
    switch (v.type) {
    case FT__JV_MISSING:
    case FT__JV_UNDEFINED: ft__jinja_puts(r, "Undefined"); return;
    case FT__JV_NONE: ft__jinja_puts(r, "None"); return;
    case FT__JV_BOOL: ft__jinja_puts(r, v.as.i ? "True" : "False"); return;
    case FT__JV_INT:
    case FT__JV_BIG:
    case FT__JV_FLOAT: ft__jinja_put_number(r, v); return;
    case FT__JV_STR:
        if (v.flag) ft__jinja_puts(r, "Markup(");
        ft__jinja_repr_str(r, v.as.s);
        if (v.flag) ft__jinja_put(r, ")", 1);
        return;
    case FT__JV_LOOP: ft__jinja_repr_loop(r, v.as.loop); return;
    case FT__JV_MACRO:
    case FT__JV_FUNCTION:
    case FT__JV_METHOD:
    case FT__JV_GENERATOR: /* Python prints their addresses */
        ft__jinja_puts(r, "<");
        ft__jinja_puts(r, ft__jinja_type_name(v));
        ft__jinja_puts(r, " object>");
        return;
    default: ft__jinja_repr_container(r, v); return;
    }
}

FT__PRIV void ft__jinja_put_value(ft__jinja *r, ft__jv v) {
    if (v.type == FT__JV_STR) ft__jinja_put(r, v.as.s->data, v.as.s->len);
    else if (v.type != FT__JV_UNDEFINED) ft__jinja_put_repr(r, v);
}
