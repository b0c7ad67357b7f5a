/* Filters: a table and the functions in it.  A filter gets the value as `self`.

   map, select, reject and their kin give generators, as in Jinja: nothing is computed, and no mistake
   noticed, before somebody asks for the items; and they can be walked through once. */
#include "jinja.h"

static bool ft__jf_given(ft__jv v) { return v.type != FT__JV_MISSING; }

/* An optional integer argument. */
static int64_t ft__jf_int(ft__jinja *r, ft__jv v, int64_t otherwise, const char *what) {
    int64_t value = otherwise;
    if (ft__jf_given(v)) ft__jinja_index(r, v, what, &value);
    return value;
}

/* soft_str: a text as it is, marked or not, and str() of the rest. */
static ft__jv ft__jf_text(ft__jinja *r, ft__jv v) { return ft__jinja_to_str(r, v); }

/* ---- attributes of items: "a.b.0" */

static ft__jv ft__jf_walk(ft__jinja *r, ft__jv item, ft__jv path, ft__jv otherwise) {
    bool has_default = ft__jf_given(otherwise) && otherwise.type != FT__JV_NONE;
    if (path.type != FT__JV_STR) {
        if (path.type == FT__JV_NONE || !ft__jf_given(path)) return item;
        item = ft__jinja_item(r, item, path);
        return has_default && item.type == FT__JV_UNDEFINED ? otherwise : item;
    }
    const char *p = path.as.s->data, *end = p + path.as.s->len;
    for (; !r->status; p++) {
        const char *part = p;
        while (p < end && *p != '.') p++;
        ft__jv key = ft__jinja_str(r, part, (size_t)(p - part));
        bool digits = p > part;
        for (const char *d = part; d < p; d++) digits = digits && *d >= '0' && *d <= '9';
        if (digits) key = ft__jinja_int_of_text(r, part, (size_t)(p - part), 10, false);
        if (!r->status) item = ft__jinja_item(r, item, key);
        if (has_default && item.type == FT__JV_UNDEFINED) item = otherwise;
        if (p == end) break;
    }
    return item;
}

/* What a value is compared by: texts without their case, unless asked for. */
static ft__jv ft__jf_key(ft__jinja *r, ft__jv item, ft__jv case_sensitive) {
    if (item.type != FT__JV_STR || (ft__jf_given(case_sensitive) && ft__jinja_truth(case_sensitive))) return item;
    return ft__jinja_lower(r, item);
}

/* ---- lists */

static ft__jv ft__jf_list_of(ft__jinja *r, ft__jv v) {
    const ft__jv *items;
    size_t n;
    ft__jinja_iterate(r, v, &items, &n);
    return ft__jinja_list(r, FT__JV_LIST, items, n);
}

static ft__jv ft__jf_list(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    return ft__jf_list_of(r, self);
}

static ft__jv ft__jf_length(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    return ft__jinja_int(ft__jinja_length(r, self));
}

static ft__jv ft__jf_first(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    const ft__jv *items;
    size_t n;
    (void)args;
    if (!ft__jinja_iterate(r, self, &items, &n)) return self;
    if (n && self.type == FT__JV_GENERATOR) self.as.generator->at -= n - 1; /* only one was taken */
    return n ? items[0] : ft__jinja_hint(r, "No first item, sequence was empty.");
}

static ft__jv ft__jf_last(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    const ft__jv *items;
    size_t n;
    (void)args;
    if (self.type == FT__JV_GENERATOR) ft__jinja_error(r, "'generator' object is not reversible");
    if (!ft__jinja_iterate(r, self, &items, &n)) return self;
    return n ? items[n - 1] : ft__jinja_hint(r, "No last item, sequence was empty.");
}

/* A generator over items that are there. */
static ft__jv ft__jf_over(ft__jinja *r, ft__jv *items, size_t n) {
    ft__jv v = ft__jinja_generator(r, NULL);
    if (r->status) return v;
    v.as.generator->items = items;
    v.as.generator->n = v.as.generator->cap = n;
    return v;
}

static ft__jv ft__jf_reverse(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    const ft__jv *items;
    size_t n;
    (void)args;
    ft__jv step = ft__jinja_int(-1), none = ft__jinja_none();
    if (self.type == FT__JV_STR) return ft__jinja_slice(r, self, none, none, step);
    bool listed = self.type == FT__JV_GENERATOR;
    if (!ft__jinja_iterate(r, self, &items, &n)) return self;
    ft__jv *turned = (ft__jv *)ft__jinja_alloc(r, n, sizeof *turned);
    for (size_t i = 0; turned && i < n; i++) turned[i] = items[n - 1 - i];
    return listed ? ft__jinja_list(r, FT__JV_LIST, turned, n) : ft__jf_over(r, turned, n);
}

static ft__jv ft__jf_join(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    const ft__jv *items;
    size_t n;
    if (!ft__jinja_iterate(r, self, &items, &n)) return self;
    size_t start = r->out.len;
    for (size_t i = 0; i < n && !r->status; i++) {
        if (i && ft__jf_given(args->items[0])) ft__jinja_put_value(r, args->items[0]);
        ft__jv item = ft__jf_walk(r, items[i], args->items[1], ft__jinja_none());
        if (!r->status) ft__jinja_put_value(r, item);
    }
    return ft__jinja_take(r, start);
}

static ft__jv ft__jf_items(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    if (self.type != FT__JV_UNDEFINED && self.type != FT__JV_DICT)
        ft__jinja_error(r, "Can only get item pairs from a mapping.");
    ft__jv pairs = ft__jf_over(r, NULL, 0);
    for (size_t i = 0; self.type == FT__JV_DICT && i < self.as.dict->n && !r->status; i++) {
        const ft__jentry *entry = &self.as.dict->entries[i];
        ft__jinja_generate(r, pairs.as.generator, ft__jinja_pair(r, entry->key, entry->value));
    }
    return pairs;
}

static ft__jv ft__jf_sum(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    const ft__jv *items;
    size_t n;
    ft__jv all = ft__jf_given(args->items[1]) ? args->items[1] : ft__jinja_int(0);
    if (all.type == FT__JV_STR) ft__jinja_error(r, "sum() can't sum strings [use ''.join(seq) instead]");
    if (!ft__jinja_iterate(r, self, &items, &n)) return self;
    for (size_t i = 0; i < n && !r->status; i++)
        all = ft__jinja_binary(r, '+', all, ft__jf_walk(r, items[i], args->items[0], ft__jinja_none()));
    return all;
}

static ft__jv ft__jf_extreme(ft__jinja *r, ft__jv self, const ft__jargs *args, bool largest) {
    const ft__jv *items;
    size_t n, best = 0;
    ft__jv best_key = ft__jinja_none();
    if (!ft__jinja_iterate(r, self, &items, &n)) return self;
    for (size_t i = 0; i < n && !r->status; i++) {
        ft__jv key = ft__jf_key(r, ft__jf_walk(r, items[i], args->items[1], ft__jinja_none()), args->items[0]);
        ft__jv greater = largest ? key : best_key, less = largest ? best_key : key;
        if (i == 0 || ft__jinja_compare(r, greater, less, ">") == 1) best = i, best_key = key;
    }
    return n ? items[best] : ft__jinja_hint(r, "No aggregated item, sequence was empty.");
}

static ft__jv ft__jf_min(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jf_extreme(r, self, args, false);
}
static ft__jv ft__jf_max(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jf_extreme(r, self, args, true);
}

static ft__jv ft__jf_unique(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    const ft__jv *items;
    size_t n;
    ft__jv seen = ft__jinja_dict(r), out = ft__jf_over(r, NULL, 0);
    if (!ft__jinja_iterate(r, self, &items, &n)) return self;
    for (size_t i = 0; i < n && !r->status; i++) {
        ft__jv key = ft__jf_key(r, ft__jf_walk(r, items[i], args->items[1], ft__jinja_none()), args->items[0]);
        size_t before = r->status ? 0 : seen.as.dict->n;
        ft__jinja_dict_set(r, seen.as.dict, key, ft__jinja_none());
        if (!r->status && seen.as.dict->n > before) ft__jinja_generate(r, out.as.generator, items[i]);
    }
    return out;
}

/* ---- sorting: stable, by keys */

typedef struct ft__jf_keyed {
    ft__jv key, item;
} ft__jf_keyed;

/* Merges a[0..half) and a[half..n), which are sorted, using b. */
static void ft__jf_merge(ft__jinja *r, ft__jf_keyed *a, ft__jf_keyed *b, size_t half, size_t n, bool reverse) {
    size_t i = 0, k = half, to = 0;
    memcpy(b, a, n * sizeof *a);
    while (i < half && k < n && !r->status) {
        ft__jv left = reverse ? b[i].key : b[k].key, right = reverse ? b[k].key : b[i].key;
        a[to++] = ft__jinja_compare(r, left, right, "<") == -1 ? b[k++] : b[i++];
    }
    while (i < half) a[to++] = b[i++];
    while (k < n) a[to++] = b[k++];
}

/* Bottom up: runs of 1, 2, 4 .. */
static void ft__jf_sort_keyed(ft__jinja *r, ft__jf_keyed *a, size_t n, bool reverse) {
    ft__jf_keyed *b = (ft__jf_keyed *)ft__jinja_alloc(r, n, sizeof *b);
    for (size_t run = 1; run < n && b && !r->status; run *= 2)
        for (size_t at = 0; at + run < n; at += 2 * run)
            ft__jf_merge(r, a + at, b + at, run, n - at < 2 * run ? n - at : 2 * run, reverse);
}

/* By one attribute, or by several in "a,b": a list of one value or more, in which two undefined ones are equal
   and do not have to be compared. */
static ft__jv ft__jf_sort_key(ft__jinja *r, ft__jv item, ft__jv attribute, ft__jv case_sensitive) {
    ft__jv keys = ft__jf_over(r, NULL, 0), path = attribute;
    bool text = attribute.type == FT__JV_STR;
    const char *p = text ? attribute.as.s->data : "", *end = text ? p + attribute.as.s->len : p;
    for (; !r->status; p++) {
        const char *part = p;
        while (p < end && *p != ',') p++;
        if (text) path = ft__jinja_str(r, part, (size_t)(p - part));
        ft__jinja_generate(r, keys.as.generator,
                           ft__jf_key(r, ft__jf_walk(r, item, path, ft__jinja_none()), case_sensitive));
        if (p == end) break;
    }
    return ft__jf_list_of(r, keys);
}

static ft__jf_keyed *ft__jf_keys(ft__jinja *r, const ft__jv *items, size_t n, ft__jv attribute,
                                 ft__jv case_sensitive) {
    ft__jf_keyed *all = (ft__jf_keyed *)ft__jinja_alloc(r, n, sizeof *all);
    for (size_t i = 0; all && i < n && !r->status; i++) {
        all[i].item = items[i];
        all[i].key = ft__jf_sort_key(r, items[i], attribute, case_sensitive);
    }
    return r->status ? NULL : all;
}

static ft__jv ft__jf_sorted(ft__jinja *r, ft__jf_keyed *all, size_t n, bool reverse) {
    if (all) ft__jf_sort_keyed(r, all, n, reverse);
    ft__jv *items = (ft__jv *)ft__jinja_alloc(r, n, sizeof *items);
    for (size_t i = 0; items && all && i < n; i++) items[i] = all[i].item;
    return ft__jinja_list(r, FT__JV_LIST, items, n);
}

static ft__jv ft__jf_sort(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    const ft__jv *items;
    size_t n;
    if (!ft__jinja_iterate(r, self, &items, &n)) return self;
    return ft__jf_sorted(r, ft__jf_keys(r, items, n, args->items[2], args->items[1]), n,
                         ft__jinja_truth(args->items[0]));
}

static ft__jv ft__jf_dictsort(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    ft__jv by = args->items[1];
    bool by_value = by.type == FT__JV_STR && ft__jinja_same(by.as.s, "value");
    if (ft__jf_given(by) && !by_value && !(by.type == FT__JV_STR && ft__jinja_same(by.as.s, "key")))
        ft__jinja_error(r, "You can only sort by either \"key\" or \"value\"");
    if (self.type == FT__JV_UNDEFINED) ft__jinja_fail_undefined(r, self);
    if (self.type != FT__JV_DICT)
        ft__jinja_error(r, "'%s' object has no attribute 'items'", ft__jinja_type_name(self));
    if (r->status) return self;
    size_t n = self.as.dict->n;
    ft__jf_keyed *all = (ft__jf_keyed *)ft__jinja_alloc(r, n, sizeof *all);
    for (size_t i = 0; all && i < n; i++) {
        const ft__jentry *entry = &self.as.dict->entries[i];
        all[i].item = ft__jinja_pair(r, entry->key, entry->value);
        all[i].key = ft__jf_key(r, by_value ? entry->value : entry->key, args->items[0]);
    }
    return ft__jf_sorted(r, all, n, ft__jinja_truth(args->items[2]));
}

static ft__jv ft__jf_groupby(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    const ft__jv *items;
    size_t n;
    ft__jv path = args->items[0], otherwise = args->items[1], groups = ft__jf_over(r, NULL, 0);
    if (!ft__jinja_iterate(r, self, &items, &n)) return self;
    ft__jf_keyed *all = (ft__jf_keyed *)ft__jinja_alloc(r, n, sizeof *all);
    for (size_t i = 0; all && i < n && !r->status; i++) {
        all[i].item = items[i];
        all[i].key = ft__jf_key(r, ft__jf_walk(r, items[i], path, otherwise), args->items[2]);
    }
    if (all) ft__jf_sort_keyed(r, all, n, false);
    for (size_t i = 0, end; i < n && !r->status; i = end) {
        ft__jv group = ft__jf_over(r, NULL, 0);
        for (end = i; end < n && !r->status && ft__jinja_equal(r, all[i].key, all[end].key); end++)
            ft__jinja_generate(r, group.as.generator, all[end].item);
        if (end == i) end++; /* a NaN is not even equal to itself */
        ft__jv pair = ft__jinja_pair(r, ft__jf_walk(r, all[i].item, path, otherwise), ft__jf_list_of(r, group));
        pair.flag = 1;
        ft__jinja_generate(r, groups.as.generator, pair);
    }
    return ft__jf_list_of(r, groups);
}

/* ---- rows of a table */

static ft__jv ft__jf_part(ft__jinja *r, const ft__jv *items, size_t n, ft__jv fill, size_t more) {
    ft__jv *part = (ft__jv *)ft__jinja_alloc(r, n + more, sizeof *part);
    if (part && n) memcpy(part, items, n * sizeof *part);
    for (size_t i = 0; part && i < more; i++) part[n + i] = fill;
    return ft__jinja_list(r, FT__JV_LIST, part, n + more);
}

static ft__jv ft__jf_batch(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    const ft__jv *items;
    size_t n;
    int64_t width = ft__jf_int(r, args->items[0], 1, "batch needs an integer");
    bool fill = ft__jf_given(args->items[1]) && args->items[1].type != FT__JV_NONE;
    ft__jv out = ft__jf_over(r, NULL, 0);
    if (!ft__jinja_iterate(r, self, &items, &n)) return self;
    if (width < 1) width = INT64_MAX; /* the length is never met */
    for (size_t i = 0; i < n && !r->status;) {
        size_t take = n - i < (uint64_t)width ? n - i : (size_t)width;
        size_t more = fill && width < INT64_MAX ? (size_t)width - take : 0;
        ft__jinja_generate(r, out.as.generator, ft__jf_part(r, items + i, take, args->items[1], more));
        i += take;
    }
    return out;
}

static ft__jv ft__jf_slice(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    const ft__jv *items;
    size_t n, at = 0;
    int64_t slices = ft__jf_int(r, args->items[0], 1, "slice needs an integer");
    bool fill = ft__jf_given(args->items[1]) && args->items[1].type != FT__JV_NONE;
    ft__jv out = ft__jf_over(r, NULL, 0);
    if (!ft__jinja_iterate(r, self, &items, &n)) return self;
    if (slices == 0) ft__jinja_error(r, "integer division or modulo by zero");
    for (int64_t i = 0; i < slices && ft__jinja_work(r, 1); i++) {
        bool extra = (uint64_t)i < n % (uint64_t)slices;
        size_t take = n / (uint64_t)slices + extra;
        ft__jinja_generate(r, out.as.generator, ft__jf_part(r, items + at, take, args->items[1], fill && !extra));
        at += take;
    }
    return out;
}

/* ---- map, select, reject, selectattr, rejectattr */

/* All of a's arguments but the first `skip`. */
static ft__jargs ft__jf_rest(const ft__jargs *a, size_t skip) {
    ft__jargs rest = *a;
    rest.items = a->n > skip ? a->items + skip : NULL;
    rest.n = a->n > skip ? a->n - skip : 0;
    return rest;
}

/* The filter or test that an argument names. */
static const ft__jrow *ft__jf_named(ft__jinja *r, ft__jv name, bool test) {
    const ft__jrow *row = NULL;
    if (name.type == FT__JV_STR)
        row = test ? ft__jinja_test(name.as.s->data, name.as.s->len)
            : ft__jinja_filter(name.as.s->data, name.as.s->len);
    if (row || r->status) return row;
    if (name.type == FT__JV_STR)
        ft__jinja_fail(r, FT_ERR_UNSUPPORTED, "there is no %s named '%.*s'", test ? "test" : "filter",
                       (int)(name.as.s->len < 100 ? name.as.s->len : 100), name.as.s->data);
    else
        ft__jinja_error(r, "the name of a %s must be a string", test ? "test" : "filter");
    return NULL;
}

static void ft__jf_make_map(ft__jinja *r, ft__jgenerator *g) {
    const ft__jv *items;
    size_t n;
    ft__jv attribute = ft__jinja_value(FT__JV_MISSING), otherwise = ft__jinja_none();
    const ft__jrow *row = NULL;
    if (!ft__jinja_truth(g->source) || !ft__jinja_iterate(r, g->source, &items, &n)) return;
    for (size_t i = 0; i < g->args.n_named && g->args.n == 0; i++) {
        const ft__jpair *pair = &g->args.named[i];
        if (ft__jinja_same(pair->name, "attribute")) attribute = pair->value;
        else if (ft__jinja_same(pair->name, "default")) otherwise = pair->value;
        else ft__jinja_error(r, "Unexpected keyword argument '%.*s'",
                             (int)(pair->name->len < 100 ? pair->name->len : 100), pair->name->data);
    }
    if (g->args.n == 0 && !ft__jf_given(attribute)) ft__jinja_error(r, "map requires a filter argument");
    if (g->args.n) row = ft__jf_named(r, g->args.items[0], false);
    ft__jargs rest = ft__jf_rest(&g->args, 1);
    for (size_t i = 0; i < n && !r->status; i++)
        if (row) ft__jinja_generate(r, g, ft__jinja_call_row(r, row, items[i], &rest));
        else ft__jinja_generate(r, g, ft__jf_walk(r, items[i], attribute, otherwise));
}

static void ft__jf_make_select(ft__jinja *r, ft__jgenerator *g) {
    const ft__jv *items;
    size_t n, skip = g->attribute ? 1 : 0;
    const ft__jrow *row = NULL;
    if (!ft__jinja_truth(g->source) || !ft__jinja_iterate(r, g->source, &items, &n)) return;
    if (g->attribute && g->args.n == 0) ft__jinja_error(r, "Missing parameter for attribute name");
    if (g->args.n > skip) row = ft__jf_named(r, g->args.items[skip], true);
    ft__jargs rest = ft__jf_rest(&g->args, skip + 1);
    for (size_t i = 0; i < n && !r->status; i++) {
        ft__jv v = g->attribute ? ft__jf_walk(r, items[i], g->args.items[0], ft__jinja_none()) : items[i];
        if (row && !r->status) v = ft__jinja_call_row(r, row, v, &rest);
        if (ft__jinja_truth(v) != g->reject) ft__jinja_generate(r, g, items[i]);
    }
}

static ft__jv ft__jf_later(ft__jinja *r, ft__jv self, const ft__jargs *args,
                           void (*make)(ft__jinja *, ft__jgenerator *), bool attribute, bool reject) {
    ft__jv v = ft__jinja_generator(r, make);
    if (r->status) return v;
    v.as.generator->source = self;
    v.as.generator->args = *args;
    v.as.generator->attribute = attribute;
    v.as.generator->reject = reject;
    return v;
}

static ft__jv ft__jf_map(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jf_later(r, self, args, ft__jf_make_map, false, false);
}

static ft__jv ft__jf_select(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jf_later(r, self, args, ft__jf_make_select, false, false);
}

static ft__jv ft__jf_reject(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jf_later(r, self, args, ft__jf_make_select, false, true);
}

static ft__jv ft__jf_selectattr(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jf_later(r, self, args, ft__jf_make_select, true, false);
}

static ft__jv ft__jf_rejectattr(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jf_later(r, self, args, ft__jf_make_select, true, true);
}

/* ---- texts */

static ft__jv ft__jf_string(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    return ft__jf_text(r, self);
}

static ft__jv ft__jf_upper(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    self = ft__jf_text(r, self);
    return r->status ? self : ft__jinja_upper(r, self);
}

static ft__jv ft__jf_lower(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    self = ft__jf_text(r, self);
    return r->status ? self : ft__jinja_lower(r, self);
}

static ft__jv ft__jf_capitalize(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    self = ft__jf_text(r, self);
    return r->status ? self : ft__jinja_capitalize(r, self);
}

static ft__jv ft__jf_title(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    self = ft__jf_text(r, self);
    if (!r->status) self = ft__jinja_title_words(r, self);
    self.flag = 0;
    return self;
}

static ft__jv ft__jf_trim(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    ft__jv chars = args->items[0];
    self = ft__jf_text(r, self);
    if (ft__jf_given(chars) && chars.type != FT__JV_NONE && chars.type != FT__JV_STR)
        ft__jinja_error(r, "strip arg must be None or str");
    return r->status ? self : ft__jinja_strip(r, self, chars, true, true);
}

static ft__jv ft__jf_replace(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    ft__jv old = ft__jinja_to_str(r, args->items[0]), with = ft__jinja_to_str(r, args->items[1]);
    ft__jv count = args->items[2];
    if (count.type == FT__JV_NONE) count.type = FT__JV_MISSING;
    int64_t n = ft__jf_int(r, count, -1, "replace counts with an integer");
    self = ft__jf_text(r, self);
    return r->status ? self : ft__jinja_replace(r, self, old, with, n);
}

static ft__jv ft__jf_indent(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    ft__jv width = args->items[0], lines;
    bool first = ft__jinja_truth(args->items[1]), blank = ft__jinja_truth(args->items[2]);
    size_t start = r->out.len;
    if (self.type == FT__JV_UNDEFINED) ft__jinja_fail_undefined(r, self);
    if (self.type != FT__JV_STR) ft__jinja_error(r, "indent needs a string, not %s", ft__jinja_type_name(self));
    if (width.type == FT__JV_STR) {
        ft__jinja_put_value(r, width);
    } else {
        int64_t n = ft__jf_int(r, width, 4, "indent needs an integer or a string");
        for (int64_t i = 0; i < n && !r->status; i++) ft__jinja_put(r, " ", 1);
    }
    ft__jv indention = ft__jinja_take(r, start), newline = ft__jinja_str(r, "\n", 1);
    if (r->status) return self;
    lines = ft__jinja_lines(r, ft__jinja_concat(r, self, newline), false);
    if (first) ft__jinja_put_value(r, indention);
    for (size_t i = 0; !r->status && i < lines.as.list->n; i++) {
        ft__jv line = lines.as.list->items[i];
        if (i) ft__jinja_put(r, "\n", 1);
        if (i && (blank || line.as.s->len)) ft__jinja_put_value(r, indention);
        ft__jinja_put_value(r, line);
    }
    ft__jv out = ft__jinja_take(r, start);
    out.flag = self.flag;
    return out;
}

static ft__jv ft__jf_truncate(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    int64_t length = ft__jf_int(r, args->items[0], 255, "truncate needs an integer");
    int64_t leeway = args->items[3].type == FT__JV_NONE ? 5
        : ft__jf_int(r, args->items[3], 5, "leeway is an integer");
    ft__jv end = ft__jf_given(args->items[2]) ? args->items[2] : ft__jinja_str(r, "...", 3);
    if (end.type != FT__JV_STR) ft__jinja_error(r, "truncate needs an end that is a string");
    if (!r->status && (length < (int64_t)end.as.s->chars || leeway < 0))
        ft__jinja_error(r, "truncate needs a length that holds its end");
    if (r->status || ft__jinja_length(r, self) - leeway <= length) return self; /* whatever it is */
    if (self.type != FT__JV_STR) ft__jinja_error(r, "truncate needs a string, not %s", ft__jinja_type_name(self));
    if (r->status) return self;
    size_t n = ft__jinja_offset(self.as.s, (size_t)length - end.as.s->chars);
    if (!ft__jinja_truth(args->items[1])) {
        size_t blank = n;
        while (blank && self.as.s->data[blank - 1] != ' ') blank--;
        if (blank) n = blank - 1;
    }
    return ft__jinja_concat(r, ft__jinja_str(r, self.as.s->data, n), end);
}

static ft__jv ft__jf_center(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    int64_t width = ft__jf_int(r, args->items[0], 80, "center needs an integer");
    self = ft__jf_text(r, self);
    return r->status ? self : ft__jinja_center(r, self, width, 0, ' ');
}

static ft__jv ft__jf_wordcount(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    int64_t n = 0;
    bool inside = false;
    (void)args;
    self = ft__jf_text(r, self);
    if (r->status) return self;
    for (const char *p = self.as.s->data, *end = p + self.as.s->len; p < end;) {
        bool word = ft__is_word(ft__utf8_next(&p, end));
        n += word && !inside;
        inside = word;
    }
    return ft__jinja_int(n);
}

static ft__jv ft__jf_format(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    self = ft__jf_text(r, self);
    if (args->n && args->n_named)
        ft__jinja_error(r, "can't handle positional and keyword arguments at the same time");
    if (r->status) return self;
    if (!args->n_named) return ft__jinja_percent(r, self, ft__jinja_list(r, FT__JV_TUPLE, args->items, args->n));
    ft__jv named = ft__jinja_dict(r);
    for (size_t i = 0; i < args->n_named && !r->status; i++) {
        ft__jv key = ft__jinja_value(FT__JV_STR);
        key.as.s = args->named[i].name;
        ft__jinja_dict_set(r, named.as.dict, key, args->named[i].value);
    }
    return ft__jinja_percent(r, self, named);
}

static ft__jv ft__jf_safe(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    self = ft__jinja_to_str(r, self);
    self.flag = 1;
    return self;
}

static ft__jv ft__jf_escape(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    return ft__jinja_escape(r, self);
}

static ft__jv ft__jf_forceescape(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    self = ft__jinja_to_str(r, self);
    self.flag = 0;
    return ft__jinja_escape(r, self);
}

/* As a part of a query '/' is quoted too, and a blank becomes '+'. */
static void ft__jf_put_url(ft__jinja *r, ft__jv v, bool query) {
    char text[4];
    v = ft__jinja_to_str(r, v);
    for (size_t i = 0; !r->status && i < v.as.s->len; i++) {
        char c = v.as.s->data[i], letter = (char)(c | 32);
        bool plain = (c >= '0' && c <= '9') || (letter >= 'a' && letter <= 'z') ||
            (c && strchr(query ? "_.-~" : "_.-~/", c));
        if (query && c == ' ') plain = true, c = '+';
        snprintf(text, sizeof text, plain ? "%c" : "%%%02X", plain ? c : (unsigned char)c);
        ft__jinja_puts(r, text);
    }
}

static ft__jv ft__jf_urlencode(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    const ft__jv *items, *pair;
    size_t n, n_pair, start = r->out.len;
    if (self.type == FT__JV_STR || !ft__jinja_iterable(self)) {
        ft__jf_put_url(r, self, false);
        return ft__jinja_take(r, start);
    }
    if (self.type == FT__JV_DICT) self = ft__jf_items(r, self, args);
    if (!ft__jinja_iterate(r, self, &items, &n)) return self;
    for (size_t i = 0; i < n && ft__jinja_iterate(r, items[i], &pair, &n_pair); i++) {
        if (n_pair != 2) ft__jinja_error(r, "urlencode needs pairs");
        if (r->status) break;
        if (i) ft__jinja_put(r, "&", 1);
        ft__jf_put_url(r, pair[0], true);
        ft__jinja_put(r, "=", 1);
        ft__jf_put_url(r, pair[1], true);
    }
    return ft__jinja_take(r, start);
}

static ft__jv ft__jf_tojson(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    size_t start = r->out.len;
    ft__jinja_put_json(r, self, args);
    return ft__jinja_take(r, start);
}

/* Not Jinja's: llama.cpp has it, and the templates of DeepSeek V3.2 and V4 use it. */
static ft__jv ft__jf_from_json(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    ft__json *json = NULL;
    ft_error err;
    (void)args;
    memset(&err, 0, sizeof err);
    if (self.type != FT__JV_STR) ft__jinja_error(r, "from_json needs a string, not %s", ft__jinja_type_name(self));
    if (r->status) return self;
    /* nodes are several times the size of the text */
    if (self.as.s->len > (r->limit.memory - r->memory) / 128) ft__jinja_fail(r, FT_ERR_LIMIT, "too much JSON");
    else r->memory += self.as.s->len * 100;
    if (r->status || !ft__jinja_work(r, self.as.s->len)) return self;
    ft_status status = ft__json_parse(self.as.s->data, self.as.s->len, NULL, 1, &r->arena, &json, &err);
    if (status) ft__jinja_fail(r, status == FT_ERR_MEMORY ? status : FT_ERR_DATA, "from_json: %s", err.message);
    return status ? self : ft__jinja_from_json(r, json);
}

/* ---- numbers and the rest */

static ft__jv ft__jf_int_filter(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    ft__jv otherwise = ft__jf_given(args->items[0]) ? args->items[0] : ft__jinja_int(0), out;
    int64_t base = ft__jf_int(r, args->items[1], 10, "int needs a base that is an integer");
    double f;
    if (self.type == FT__JV_UNDEFINED) ft__jinja_fail_undefined(r, self);
    if (r->status) return self;
    if (ft__jinja_is_int(self)) return self.type == FT__JV_BOOL ? ft__jinja_int(self.as.i) : self;
    if (self.type == FT__JV_FLOAT)
        return self.as.f != self.as.f ? otherwise : ft__jinja_int_of_double(r, self.as.f);
    if (self.type != FT__JV_STR) return otherwise;
    if (ft__jinja_parse_int(r, self.as.s, base, &out)) return out;
    if (r->status || !ft__jinja_parse_float(self.as.s, &f) || !ft__finite(f)) return otherwise;
    return ft__jinja_int_of_double(r, f);
}

static ft__jv ft__jf_float(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    double f;
    if (self.type == FT__JV_UNDEFINED) ft__jinja_fail_undefined(r, self);
    if (r->status) return self;
    if (ft__jinja_is_number(self)) return ft__jinja_float(ft__jinja_to_double(r, self));
    if (self.type == FT__JV_STR && ft__jinja_parse_float(self.as.s, &f)) return ft__jinja_float(f);
    return ft__jf_given(args->items[0]) ? args->items[0] : ft__jinja_float(0);
}

static bool ft__jf_need_number(ft__jinja *r, ft__jv v, const char *what) {
    if (v.type == FT__JV_UNDEFINED) return ft__jinja_fail_undefined(r, v);
    return ft__jinja_is_number(v) ||
        ft__jinja_error(r, "bad operand type for %s: '%s'", what, ft__jinja_type_name(v));
}

static ft__jv ft__jf_abs(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    if (!ft__jf_need_number(r, self, "abs()")) return self;
    if (self.type == FT__JV_FLOAT)
        return ft__jinja_float(self.as.f < 0 ? -self.as.f : self.as.f == 0 ? 0 : self.as.f);
    bool negative = self.type == FT__JV_BIG ? self.as.big->negative : self.as.i < 0;
    if (self.type == FT__JV_BOOL) self.type = FT__JV_INT;
    return negative ? ft__jinja_negate(r, self) : self;
}

/* Up or down: floor(x * 10**p) / 10**p */
static ft__jv ft__jf_round_to(ft__jinja *r, ft__jv self, ft__jv precision, bool up) {
    ft__jv power = ft__jinja_arithmetic(r, FT__JO_POW, ft__jinja_int(10), precision);
    ft__jv scaled = ft__jinja_arithmetic(r, '*', self, power);
    if (scaled.type == FT__JV_FLOAT && !r->status) {
        double down = ft__finite(scaled.as.f) ? ft__floor(scaled.as.f) : scaled.as.f;
        scaled = ft__jinja_int_of_double(r, up && down < scaled.as.f ? down + 1 : down);
    }
    return r->status ? self : ft__jinja_arithmetic(r, '/', scaled, power);
}

static ft__jv ft__jf_round(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    int64_t precision = ft__jf_int(r, args->items[0], 0, "round needs an integer");
    const ft__jstr *how = args->items[1].type == FT__JV_STR ? args->items[1].as.s : NULL;
    bool ceil = how && ft__jinja_same(how, "ceil"), floor = how && ft__jinja_same(how, "floor");
    if (ft__jf_given(args->items[1]) && !ceil && !floor && !(how && ft__jinja_same(how, "common")))
        ft__jinja_error(r, "method must be common, ceil or floor");
    if (!ft__jf_need_number(r, self, "round()") || r->status) return self;
    if (precision > 1000 || precision < -1000) precision = precision < 0 ? -1000 : 1000;
    if (ceil || floor) return ft__jf_round_to(r, self, ft__jinja_int(precision), ceil);
    if (self.type == FT__JV_FLOAT) return ft__jinja_float(ft__jinja_round(r, self.as.f, (int)precision));
    if (self.type == FT__JV_BOOL) self.type = FT__JV_INT;
    if (precision >= 0) return self;
    /* an integer to tens, hundreds ..: half to even */
    ft__jv two = ft__jinja_int(2);
    ft__jv unit = ft__jinja_arithmetic(r, FT__JO_POW, ft__jinja_int(10), ft__jinja_int(-precision));
    ft__jv rest = ft__jinja_arithmetic(r, '%', self, unit), down = ft__jinja_arithmetic(r, '-', self, rest);
    int order = r->status ? 0 : ft__jinja_compare_numbers(r, ft__jinja_arithmetic(r, '*', rest, two), unit);
    ft__jv quotient = ft__jinja_arithmetic(r, FT__JO_FLOORDIV, down, unit);
    bool odd = !r->status && ft__jinja_truth(ft__jinja_arithmetic(r, '%', quotient, two));
    return order > 0 || (order == 0 && odd) ? ft__jinja_arithmetic(r, '+', down, unit) : down;
}

static ft__jv ft__jf_default(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    bool replace = self.type == FT__JV_UNDEFINED || (ft__jinja_truth(args->items[1]) && !ft__jinja_truth(self));
    if (!replace) return self;
    return ft__jf_given(args->items[0]) ? args->items[0] : ft__jinja_str(r, "", 0);
}

/* Attributes only, no keys. */
static ft__jv ft__jf_attr(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    if (self.type == FT__JV_UNDEFINED) ft__jinja_fail_undefined(r, self);
    if (args->items[0].type != FT__JV_STR) ft__jinja_error(r, "attribute name must be string");
    if (r->status) return self;
    ft__jv v = ft__jinja_attr(r, self, args->items[0].as.s);
    bool is_key = self.type == FT__JV_DICT && v.type != FT__JV_METHOD;
    return is_key ? ft__jinja_undefined(FT__JV_DICT, args->items[0].as.s) : v;
}

static const ft__jrow ft__jf_filters[] = {
    {"abs", ft__jf_abs, "", 0},
    {"attr", ft__jf_attr, "name", 1},
    {"batch", ft__jf_batch, "linecount fill_with", 1},
    {"capitalize", ft__jf_capitalize, "", 0},
    {"center", ft__jf_center, "width", 0},
    {"count", ft__jf_length, "", 0},
    {"d", ft__jf_default, "default_value boolean", 0},
    {"default", ft__jf_default, "default_value boolean", 0},
    {"dictsort", ft__jf_dictsort, "case_sensitive by reverse", 0},
    {"e", ft__jf_escape, "", 0},
    {"escape", ft__jf_escape, "", 0},
    {"first", ft__jf_first, "", 0},
    {"float", ft__jf_float, "default", 0},
    {"forceescape", ft__jf_forceescape, "", 0},
    {"format", ft__jf_format, NULL, 0},
    {"from_json", ft__jf_from_json, "", 0},
    {"groupby", ft__jf_groupby, "attribute default case_sensitive", 1},
    {"indent", ft__jf_indent, "width first blank", 0},
    {"int", ft__jf_int_filter, "default base", 0},
    {"items", ft__jf_items, "", 0},
    {"join", ft__jf_join, "d attribute", 0},
    {"last", ft__jf_last, "", 0},
    {"length", ft__jf_length, "", 0},
    {"list", ft__jf_list, "", 0},
    {"lower", ft__jf_lower, "", 0},
    {"map", ft__jf_map, NULL, 0},
    {"max", ft__jf_max, "case_sensitive attribute", 0},
    {"min", ft__jf_min, "case_sensitive attribute", 0},
    {"reject", ft__jf_reject, NULL, 0},
    {"rejectattr", ft__jf_rejectattr, NULL, 0},
    {"replace", ft__jf_replace, "old new count", 2},
    {"reverse", ft__jf_reverse, "", 0},
    {"round", ft__jf_round, "precision method", 0},
    {"safe", ft__jf_safe, "", 0},
    {"select", ft__jf_select, NULL, 0},
    {"selectattr", ft__jf_selectattr, NULL, 0},
    {"slice", ft__jf_slice, "slices fill_with", 1},
    {"sort", ft__jf_sort, "reverse case_sensitive attribute", 0},
    {"string", ft__jf_string, "", 0},
    {"sum", ft__jf_sum, "attribute start", 0},
    {"title", ft__jf_title, "", 0},
    {"tojson", ft__jf_tojson, "ensure_ascii indent separators sort_keys", 0},
    {"trim", ft__jf_trim, "chars", 0},
    {"truncate", ft__jf_truncate, "length killwords end leeway", 0},
    {"unique", ft__jf_unique, "case_sensitive attribute", 0},
    {"upper", ft__jf_upper, "", 0},
    {"urlencode", ft__jf_urlencode, "", 0},
    {"wordcount", ft__jf_wordcount, "", 0},
};

FT__PRIV const ft__jrow *ft__jinja_row(const ft__jrow *rows, size_t n_rows, const char *name, size_t n) {
    for (size_t i = 0; i < n_rows; i++)
        if (n && rows[i].name[0] == name[0] && strlen(rows[i].name) == n && memcmp(rows[i].name, name, n) == 0)
            return &rows[i];
    return NULL;
}

FT__PRIV const ft__jrow *ft__jinja_filter(const char *name, size_t n) {
    return ft__jinja_row(ft__jf_filters, FT__COUNT(ft__jf_filters), name, n);
}
