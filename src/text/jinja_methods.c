/* Methods of Python's values, Jinja's global functions as Hugging Face has them, and tojson.

   Values do not change: methods that would change them are hidden, as in Jinja's sandbox, which makes them
   undefined.  Attributes that begin with underscores do not exist at all. */
#include "jinja.h"

static ft__jv ft__jm_marked(ft__jv v, ft__jv like) {
    v.flag = like.flag;
    return v;
}

static bool ft__jm_is_none(ft__jv v) { return v.type == FT__JV_MISSING || v.type == FT__JV_NONE; }

/* An argument that must be a string. */
static bool ft__jm_need_str(ft__jinja *r, ft__jv v) {
    return v.type == FT__JV_STR || ft__jinja_error(r, "must be str, not %s", ft__jinja_type_name(v));
}

/* ---- str: texts made of texts */

static ft__jv ft__jm_upper(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    return ft__jinja_upper(r, self);
}

static ft__jv ft__jm_lower(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    return ft__jinja_lower(r, self);
}

static ft__jv ft__jm_capitalize(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    return ft__jinja_capitalize(r, self);
}

static ft__jv ft__jm_title(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    return ft__jinja_title(r, self);
}

static ft__jv ft__jm_swapcase(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    return ft__jinja_swapcase(r, self);
}

static ft__jv ft__jm_strip_sides(ft__jinja *r, ft__jv self, const ft__jargs *args, bool left, bool right) {
    ft__jv chars = args->items[0];
    if (!ft__jm_is_none(chars) && chars.type != FT__JV_STR) ft__jinja_error(r, "strip arg must be None or str");
    return r->status ? self : ft__jinja_strip(r, self, chars, left, right);
}

static ft__jv ft__jm_strip(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jm_strip_sides(r, self, args, true, true);
}

static ft__jv ft__jm_lstrip(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jm_strip_sides(r, self, args, true, false);
}

static ft__jv ft__jm_rstrip(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jm_strip_sides(r, self, args, false, true);
}

static ft__jv ft__jm_replace(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    int64_t count = -1;
    if (!ft__jm_need_str(r, args->items[0]) || !ft__jm_need_str(r, args->items[1])) return self;
    if (args->items[2].type != FT__JV_MISSING)
        ft__jinja_index(r, args->items[2], "replace counts with an integer", &count);
    ft__jv old = self.flag ? ft__jinja_escape(r, args->items[0]) : args->items[0];
    ft__jv with = self.flag ? ft__jinja_escape(r, args->items[1]) : args->items[1];
    return r->status ? self : ft__jm_marked(ft__jinja_replace(r, self, old, with, count), self);
}

static ft__jv ft__jm_join(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    const ft__jv *items;
    size_t n, start = r->out.len;
    if (!ft__jinja_iterate(r, args->items[0], &items, &n)) return self;
    for (size_t i = 0; i < n && !r->status; i++) {
        if (i) ft__jinja_put(r, self.as.s->data, self.as.s->len);
        if (items[i].type == FT__JV_STR || self.flag)
            ft__jinja_put_value(r, self.flag ? ft__jinja_escape(r, items[i]) : items[i]);
        else ft__jinja_error(r, "sequence item %zu: expected str instance, %s found", i,
                             ft__jinja_type_name(items[i]));
    }
    return ft__jm_marked(ft__jinja_take(r, start), self);
}

static ft__jv ft__jm_format(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jinja_format(r, self, args);
}

static ft__jv ft__jm_justify(ft__jinja *r, ft__jv self, const ft__jargs *args, int where) {
    int64_t width = 0;
    uint32_t fill = ' ';
    ft__jinja_index(r, args->items[0], "a width must be an integer", &width);
    if (args->items[1].type != FT__JV_MISSING) {
        const char *p;
        if (!ft__jm_need_str(r, args->items[1])) return self;
        if (args->items[1].as.s->chars != 1)
            ft__jinja_error(r, "The fill character must be exactly one character long");
        p = args->items[1].as.s->data;
        if (!r->status) fill = ft__utf8_next(&p, p + args->items[1].as.s->len);
    }
    return ft__jinja_center(r, self, width, where, fill);
}

static ft__jv ft__jm_center(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jm_justify(r, self, args, 0);
}
static ft__jv ft__jm_ljust(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jm_justify(r, self, args, -1);
}
static ft__jv ft__jm_rjust(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jm_justify(r, self, args, 1);
}

static ft__jv ft__jm_zfill(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    int64_t width = 0;
    ft__jinja_index(r, args->items[0], "a width must be an integer", &width);
    size_t sign = self.as.s->len && strchr("+-", self.as.s->data[0]), start = r->out.len;
    if (r->status || width <= (int64_t)self.as.s->chars) return self;
    ft__jinja_put(r, self.as.s->data, sign);
    for (int64_t i = (int64_t)self.as.s->chars; i < width && !r->status; i++) ft__jinja_put(r, "0", 1);
    ft__jinja_put(r, self.as.s->data + sign, self.as.s->len - sign);
    return ft__jinja_take(r, start);
}

static ft__jv ft__jm_removeprefix(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    if (!ft__jm_need_str(r, args->items[0])) return self;
    const ft__jstr *s = self.as.s, *cut = args->items[0].as.s;
    if (cut->len > s->len || memcmp(s->data, cut->data, cut->len) != 0) return self;
    return ft__jm_marked(ft__jinja_str(r, s->data + cut->len, s->len - cut->len), self);
}

static ft__jv ft__jm_removesuffix(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    if (!ft__jm_need_str(r, args->items[0])) return self;
    const ft__jstr *s = self.as.s, *cut = args->items[0].as.s;
    if (cut->len > s->len || memcmp(s->data + s->len - cut->len, cut->data, cut->len) != 0) return self;
    return ft__jm_marked(ft__jinja_str(r, s->data, s->len - cut->len), self);
}

/* ---- str: lists of texts */

static void ft__jm_piece(ft__jinja *r, ft__jv out, ft__jv self, const char *from, const char *to) {
    ft__jv piece = ft__jm_marked(ft__jinja_str(r, from, (size_t)(to - from)), self);
    if (!r->status) ft__jinja_generate(r, out.as.generator, piece);
}

static ft__jv ft__jm_pieces(ft__jinja *r, ft__jv out, bool turned) {
    if (r->status) return out;
    ft__jgenerator *g = out.as.generator;
    for (size_t i = 0; turned && i < g->n / 2; i++) {
        ft__jv swap = g->items[i];
        g->items[i] = g->items[g->n - 1 - i];
        g->items[g->n - 1 - i] = swap;
    }
    return ft__jinja_list(r, FT__JV_LIST, g->items, g->n);
}

/* At runs of white space, no empty pieces. */
static void ft__jm_split_space(ft__jinja *r, ft__jv self, ft__jv out, int64_t most) {
    const char *p = self.as.s->data, *end = p + self.as.s->len;
    while (!r->status) {
        ft__jv rest = ft__jinja_strip(r, ft__jinja_str(r, p, (size_t)(end - p)), ft__jinja_none(), true, false);
        if (r->status || rest.as.s->len == 0) return;
        const char *from = p = rest.as.s->data, *to = p;
        while (p < end && !ft__is_space(ft__utf8_next(&p, end))) to = p;
        if (most-- == 0) to = end;
        ft__jm_piece(r, out, self, from, to);
        if (to == end) return;
    }
}

/* The same from the right. */
static void ft__jm_rsplit_space(ft__jinja *r, ft__jv self, ft__jv out, int64_t most) {
    const char *begin = self.as.s->data, *end = begin + self.as.s->len;
    while (!r->status) {
        ft__jv rest = ft__jinja_strip(r, ft__jinja_str(r, begin, (size_t)(end - begin)), ft__jinja_none(), false,
                                      true);
        if (r->status || rest.as.s->len == 0) return;
        const char *to = begin + rest.as.s->len, *from = to;
        while (from > begin && most != 0) {
            const char *last = from - 1, *p;
            while (last > begin && ((unsigned char)*last & 0xC0) == 0x80) last--;
            p = last;
            if (ft__is_space(ft__utf8_next(&p, to))) break;
            from = last;
        }
        if (most-- == 0) from = begin;
        ft__jm_piece(r, out, self, from, to);
        end = from;
    }
}

static ft__jv ft__jm_split(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    ft__jv out = ft__jinja_generator(r, NULL);
    int64_t most = -1, at = 0;
    if (args->items[1].type != FT__JV_MISSING)
        ft__jinja_index(r, args->items[1], "split counts with an integer", &most);
    if (ft__jm_is_none(args->items[0])) {
        ft__jm_split_space(r, self, out, most);
        return ft__jm_pieces(r, out, false);
    }
    if (!ft__jm_need_str(r, args->items[0])) return self;
    const ft__jstr *s = self.as.s, *cut = args->items[0].as.s;
    if (cut->len == 0) ft__jinja_error(r, "empty separator");
    while (!r->status) {
        int64_t found = most-- == 0 ? -1 : ft__jinja_find(r, s, (size_t)at, cut);
        ft__jm_piece(r, out, self, s->data + at, found < 0 ? s->data + s->len : s->data + found);
        if (found < 0) break;
        at = found + (int64_t)cut->len;
    }
    return ft__jm_pieces(r, out, false);
}

/* Where `what` stands last before `end`, or -1. */
static int64_t ft__jm_find_last(ft__jinja *r, const ft__jstr *s, size_t end, const ft__jstr *what) {
    if (what->len > end || !ft__jinja_work(r, end / 64)) return -1;
    for (size_t at = end - what->len + 1; at-- > 0;)
        if (memcmp(s->data + at, what->data, what->len) == 0 &&
            ((unsigned char)s->data[at] & 0xC0) != 0x80) return (int64_t)at;
    return -1;
}

static ft__jv ft__jm_rsplit(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    ft__jv out = ft__jinja_generator(r, NULL);
    int64_t most = -1;
    if (args->items[1].type != FT__JV_MISSING)
        ft__jinja_index(r, args->items[1], "rsplit counts with an integer", &most);
    if (ft__jm_is_none(args->items[0])) {
        ft__jm_rsplit_space(r, self, out, most);
        return ft__jm_pieces(r, out, true);
    }
    if (!ft__jm_need_str(r, args->items[0])) return self;
    const ft__jstr *s = self.as.s, *cut = args->items[0].as.s;
    size_t end = s->len;
    if (cut->len == 0) ft__jinja_error(r, "empty separator");
    while (!r->status) {
        int64_t found = most-- == 0 ? -1 : ft__jm_find_last(r, s, end, cut);
        ft__jm_piece(r, out, self, found < 0 ? s->data : s->data + found + cut->len, s->data + end);
        if (found < 0) break;
        end = (size_t)found;
    }
    return ft__jm_pieces(r, out, true);
}

static ft__jv ft__jm_splitlines(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jinja_lines(r, self, ft__jinja_truth(args->items[0]));
}

static ft__jv ft__jm_three(ft__jinja *r, ft__jv self, ft__jv cut, int64_t at, bool right) {
    const ft__jstr *s = self.as.s;
    ft__jv *items = (ft__jv *)ft__jinja_alloc(r, 3, sizeof *items);
    if (!items) return self;
    if (at < 0) {
        items[right ? 2 : 0] = self;
        items[1] = items[right ? 0 : 2] = ft__jinja_str(r, "", 0);
    } else {
        size_t after = (size_t)at + cut.as.s->len;
        items[0] = ft__jinja_str(r, s->data, (size_t)at);
        items[1] = cut;
        items[2] = ft__jinja_str(r, s->data + after, s->len - after);
    }
    return ft__jinja_list(r, FT__JV_TUPLE, items, 3);
}

static bool ft__jm_separator(ft__jinja *r, ft__jv v) {
    return ft__jm_need_str(r, v) && (v.as.s->len || ft__jinja_error(r, "empty separator"));
}

static ft__jv ft__jm_partition(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    if (!ft__jm_separator(r, args->items[0])) return self;
    return ft__jm_three(r, self, args->items[0], ft__jinja_find(r, self.as.s, 0, args->items[0].as.s), false);
}

static ft__jv ft__jm_rpartition(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    if (!ft__jm_separator(r, args->items[0])) return self;
    return ft__jm_three(r, self, args->items[0],
                        ft__jm_find_last(r, self.as.s, self.as.s->len, args->items[0].as.s), true);
}

/* ---- str: questions */

/* Cuts a text to s[start:end]; *from is where it begins, in characters.  False: that is not even empty. */
static bool ft__jm_window(ft__jinja *r, ft__jv *self, ft__jv start, ft__jv end, int64_t *from) {
    int64_t n = (int64_t)self->as.s->chars, bounds[2] = {0, n};
    for (int i = 0; i < 2; i++) {
        ft__jv v = i ? end : start;
        if (ft__jm_is_none(v)) continue;
        if (!ft__jinja_index(r, v, "slice indices must be integers or None", &bounds[i])) return false;
        if (bounds[i] < 0) bounds[i] = bounds[i] + n < 0 ? 0 : bounds[i] + n;
    }
    if (bounds[1] > n) bounds[1] = n;
    *from = bounds[0];
    if (bounds[0] > bounds[1]) return false;
    if (bounds[0] == 0 && bounds[1] == n) return true;
    *self = ft__jinja_slice(r, *self, ft__jinja_int(bounds[0]), ft__jinja_int(bounds[1]), ft__jinja_none());
    return r->status == FT_OK;
}

static bool ft__jm_ends(const ft__jstr *s, const ft__jstr *with, bool at_end) {
    if (with->len > s->len) return false;
    return memcmp(at_end ? s->data + s->len - with->len : s->data, with->data, with->len) == 0;
}

static ft__jv ft__jm_begins(ft__jinja *r, ft__jv self, const ft__jargs *args, bool at_end) {
    ft__jv with = args->items[0];
    int64_t from;
    if (with.type != FT__JV_STR && with.type != FT__JV_TUPLE)
        ft__jinja_error(r, "%s first arg must be str or a tuple of str, not %s", at_end ? "endswith" : "startswith",
                        ft__jinja_type_name(with));
    if (r->status || !ft__jm_window(r, &self, args->items[1], args->items[2], &from)) return ft__jinja_bool(false);
    if (with.type == FT__JV_STR) return ft__jinja_bool(ft__jm_ends(self.as.s, with.as.s, at_end));
    for (size_t i = 0; i < with.as.list->n; i++) {
        ft__jv one = with.as.list->items[i];
        if (!ft__jm_need_str(r, one)) return self;
        if (ft__jm_ends(self.as.s, one.as.s, at_end)) return ft__jinja_bool(true);
    }
    return ft__jinja_bool(false);
}

static ft__jv ft__jm_startswith(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jm_begins(r, self, args, false);
}
static ft__jv ft__jm_endswith(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jm_begins(r, self, args, true);
}

static int64_t ft__jm_place(ft__jinja *r, ft__jv self, const ft__jargs *args, bool last) {
    int64_t from, at;
    if (!ft__jm_need_str(r, args->items[0]) || !ft__jm_window(r, &self, args->items[1], args->items[2], &from))
        return -1;
    const ft__jstr *s = self.as.s, *what = args->items[0].as.s;
    at = last ? ft__jm_find_last(r, s, s->len, what) : ft__jinja_find(r, s, 0, what);
    if (at <= 0) return at < 0 ? -1 : from;
    ft__jv before = ft__jinja_str(r, s->data, (size_t)at);
    return r->status ? -1 : from + (int64_t)before.as.s->chars;
}

static ft__jv ft__jm_find(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jinja_int(ft__jm_place(r, self, args, false));
}

static ft__jv ft__jm_rfind(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jinja_int(ft__jm_place(r, self, args, true));
}

static ft__jv ft__jm_found(ft__jinja *r, int64_t at) {
    if (at < 0) ft__jinja_error(r, "substring not found");
    return ft__jinja_int(at);
}

static ft__jv ft__jm_index(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jm_found(r, ft__jm_place(r, self, args, false));
}

static ft__jv ft__jm_rindex(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jm_found(r, ft__jm_place(r, self, args, true));
}

static ft__jv ft__jm_count(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    int64_t n = 0, at = 0, from;
    if (!ft__jm_need_str(r, args->items[0]) || !ft__jm_window(r, &self, args->items[1], args->items[2], &from))
        return ft__jinja_int(0);
    const ft__jstr *what = args->items[0].as.s;
    if (what->len == 0) return ft__jinja_int((int64_t)self.as.s->chars + 1);
    while ((at = ft__jinja_find(r, self.as.s, (size_t)at, what)) >= 0) n++, at += (int64_t)what->len;
    return ft__jinja_int(n);
}

/* At least one character, and all of these classes. */
static ft__jv ft__jm_all(ft__jv self, unsigned classes) {
    const char *p = self.as.s->data, *end = p + self.as.s->len;
    bool all = p < end;
    while (p < end && all) all = (FT__CLASS_BIT(ft__char_class_of(ft__utf8_next(&p, end))) & classes) != 0;
    return ft__jinja_bool(all);
}

static ft__jv ft__jm_isdigit(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jm_all(self, FT__CLASS_BIT(FT__UNICODE_ND));
}

static ft__jv ft__jm_isnumeric(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jm_all(self, FT__CLASS_N);
}

static ft__jv ft__jm_isalpha(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jm_all(self, FT__CLASS_L);
}

static ft__jv ft__jm_isalnum(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jm_all(self, FT__CLASS_L | FT__CLASS_N);
}

static ft__jv ft__jm_isspace(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    ft__jv rest = ft__jinja_strip(r, self, ft__jinja_none(), true, false);
    (void)args;
    return ft__jinja_bool(!r->status && self.as.s->len && rest.as.s->len == 0);
}

static ft__jv ft__jm_isascii(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jinja_bool(self.as.s->len == self.as.s->chars);
}

static ft__jv ft__jm_isupper(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jinja_bool(ft__jinja_is_case(self.as.s, true));
}

static ft__jv ft__jm_islower(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jinja_bool(ft__jinja_is_case(self.as.s, false));
}

static const ft__jrow ft__jm_str_rows[] = {
    {"capitalize", ft__jm_capitalize, "", 0},
    {"center", ft__jm_center, "/width fillchar", 1},
    {"count", ft__jm_count, "/sub start end", 1},
    {"endswith", ft__jm_endswith, "/suffix start end", 1},
    {"find", ft__jm_find, "/sub start end", 1},
    {"format", ft__jm_format, NULL, 0},
    {"index", ft__jm_index, "/sub start end", 1},
    {"isalnum", ft__jm_isalnum, "", 0},
    {"isalpha", ft__jm_isalpha, "", 0},
    {"isascii", ft__jm_isascii, "", 0},
    {"isdecimal", ft__jm_isdigit, "", 0},
    {"isdigit", ft__jm_isdigit, "", 0},
    {"islower", ft__jm_islower, "", 0},
    {"isnumeric", ft__jm_isnumeric, "", 0},
    {"isspace", ft__jm_isspace, "", 0},
    {"isupper", ft__jm_isupper, "", 0},
    {"join", ft__jm_join, "/iterable", 1},
    {"ljust", ft__jm_ljust, "/width fillchar", 1},
    {"lower", ft__jm_lower, "", 0},
    {"lstrip", ft__jm_lstrip, "/chars", 0},
    {"partition", ft__jm_partition, "/sep", 1},
    {"removeprefix", ft__jm_removeprefix, "/prefix", 1},
    {"removesuffix", ft__jm_removesuffix, "/suffix", 1},
    {"replace", ft__jm_replace, "/old new count", 2},
    {"rfind", ft__jm_rfind, "/sub start end", 1},
    {"rindex", ft__jm_rindex, "/sub start end", 1},
    {"rjust", ft__jm_rjust, "/width fillchar", 1},
    {"rpartition", ft__jm_rpartition, "/sep", 1},
    {"rsplit", ft__jm_rsplit, "sep maxsplit", 0},
    {"rstrip", ft__jm_rstrip, "/chars", 0},
    {"split", ft__jm_split, "sep maxsplit", 0},
    {"splitlines", ft__jm_splitlines, "keepends", 0},
    {"startswith", ft__jm_startswith, "/prefix start end", 1},
    {"strip", ft__jm_strip, "/chars", 0},
    {"swapcase", ft__jm_swapcase, "", 0},
    {"title", ft__jm_title, "", 0},
    {"upper", ft__jm_upper, "", 0},
    {"zfill", ft__jm_zfill, "/width", 1},
};

/* ---- dict, list, tuple */

static ft__jv ft__jm_get(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    if (!ft__jinja_hashable(&args->items[0]))
        ft__jinja_error(r, "unhashable type: '%s'", ft__jinja_type_name(args->items[0]));
    if (r->status) return self;
    const ft__jv *found = ft__jinja_dict_get(r, self.as.dict, args->items[0]);
    if (found) return *found;
    return args->items[1].type == FT__JV_MISSING ? ft__jinja_none() : args->items[1];
}

static ft__jv ft__jm_view(ft__jinja *r, ft__jv self, ft__jv_type type) {
    const ft__jdict *d = self.as.dict;
    ft__jv *items = (ft__jv *)ft__jinja_alloc(r, d->n, sizeof *items);
    for (size_t i = 0; items && i < d->n; i++) {
        const ft__jentry *entry = &d->entries[i];
        items[i] = type == FT__JV_KEYS ? entry->key : type == FT__JV_VALUES ? entry->value
                                                    : ft__jinja_pair(r, entry->key, entry->value);
    }
    return ft__jinja_list(r, type, items, d->n);
}

static ft__jv ft__jm_keys(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    return ft__jm_view(r, self, FT__JV_KEYS);
}

static ft__jv ft__jm_values(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    return ft__jm_view(r, self, FT__JV_VALUES);
}

static ft__jv ft__jm_items(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    return ft__jm_view(r, self, FT__JV_ITEMS);
}

static ft__jv ft__jm_copy(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return self;
}

static ft__jv ft__jm_list_count(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    int64_t n = 0;
    for (size_t i = 0; i < self.as.list->n && !r->status; i++)
        n += ft__jinja_equal(r, self.as.list->items[i], args->items[0]);
    return ft__jinja_int(n);
}

static ft__jv ft__jm_list_index(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    for (size_t i = 0; i < self.as.list->n && !r->status; i++)
        if (ft__jinja_equal(r, self.as.list->items[i], args->items[0])) return ft__jinja_int((int64_t)i);
    ft__jinja_error(r, "the value is not in the list");
    return self;
}

/* Rows without a function are hidden. */
static const ft__jrow ft__jm_dict_rows[] = {
    {"get", ft__jm_get, "/key default", 1},
    {"items", ft__jm_items, "", 0},
    {"keys", ft__jm_keys, "", 0},
    {"values", ft__jm_values, "", 0},
    {"copy", ft__jm_copy, "", 0},
    {"clear", NULL, "", 0},
    {"pop", NULL, "", 0},
    {"popitem", NULL, "", 0},
    {"setdefault", NULL, "", 0},
    {"update", NULL, "", 0},
};

static const ft__jrow ft__jm_list_rows[] = {
    {"count", ft__jm_list_count, "/value", 1},
    {"index", ft__jm_list_index, "/value", 1},
    {"copy", ft__jm_copy, "", 0},
};

FT__PRIV const ft__jrow *ft__jinja_method(ft__jv v, const ft__jstr *name, bool *hidden) {
    const ft__jrow *row = NULL;
    if (v.type == FT__JV_STR) {
        row = ft__jinja_row(ft__jm_str_rows, FT__COUNT(ft__jm_str_rows), name->data, name->len);
    } else if (v.type == FT__JV_DICT) {
        row = ft__jinja_row(ft__jm_dict_rows, FT__COUNT(ft__jm_dict_rows), name->data, name->len);
        *hidden = (row && !row->call) || (name->len > 4 && memcmp(name->data, "__", 2) == 0 &&
                                          memcmp(name->data + name->len - 2, "__", 2) == 0);
    } else if (v.type == FT__JV_LIST || v.type == FT__JV_TUPLE || v.type == FT__JV_RANGE) {
        size_t n = v.type == FT__JV_LIST ? FT__COUNT(ft__jm_list_rows) : 2;
        row = ft__jinja_row(ft__jm_list_rows, n, name->data, name->len);
    }
    return row && row->call ? row : NULL;
}

/* ---- functions */

static ft__jv ft__jm_raise(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    ft__jv message = ft__jinja_to_str(r, args->items[0]);
    if (r->status) return self;
    r->raised = message;
    ft__jinja_error(r, "%.*s", (int)(message.as.s->len < sizeof r->message ? message.as.s->len : sizeof r->message),
                    message.as.s->data);
    return self;
}

static ft__jv ft__jm_strftime_now(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jm_need_str(r, args->items[0]) ? ft__jinja_strftime(r, args->items[0].as.s) : self;
}

/* How many numbers a range has; more than Jinja's sandbox allows is one more than that. */
enum { FT__JM_MAX_RANGE = 100000 };

static size_t ft__jm_range_length(int64_t start, int64_t stop, int64_t step) {
    uint64_t distance = step > 0 ? (uint64_t)stop - (uint64_t)start : (uint64_t)start - (uint64_t)stop;
    uint64_t by = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    if (step > 0 ? start >= stop : start <= stop) return 0;
    uint64_t n = (distance - 1) / by + 1;
    return n > FT__JM_MAX_RANGE ? FT__JM_MAX_RANGE + 1 : (size_t)n;
}

static ft__jv ft__jm_range(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    int64_t bounds[3] = {0, 0, 1};
    for (size_t i = 0; i < 3 && args->items[i].type != FT__JV_MISSING; i++)
        ft__jinja_index(r, args->items[i], "range needs integers", &bounds[i]);
    if (args->items[1].type == FT__JV_MISSING) bounds[1] = bounds[0], bounds[0] = 0;
    if (bounds[2] == 0) ft__jinja_error(r, "range() arg 3 must not be zero");
    if (r->status) return self;
    size_t n = ft__jm_range_length(bounds[0], bounds[1], bounds[2]);
    if (n > FT__JM_MAX_RANGE) ft__jinja_fail(r, FT_ERR_LIMIT, "a range of more than %d items", FT__JM_MAX_RANGE);
    ft__jlist *list = (ft__jlist *)ft__jinja_alloc(r, 1, sizeof *list);
    ft__jv *items = (ft__jv *)ft__jinja_alloc(r, n, sizeof *items);
    if (!items) return self;
    for (size_t i = 0; i < n; i++) items[i] = ft__jinja_int(bounds[0] + (int64_t)i * bounds[2]);
    list->items = items;
    list->n = n;
    memcpy(list->range, bounds, sizeof bounds);
    ft__jv v = ft__jinja_value(FT__JV_RANGE);
    v.as.list = list;
    return v;
}

/* dict(mapping or pairs, name=value ..) */
static ft__jv ft__jm_dict(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    ft__jv dict = ft__jinja_dict(r);
    const ft__jv *items, *pair;
    size_t n, n_pair;
    (void)self;
    if (args->n > 1) ft__jinja_error(r, "dict expected at most 1 argument, got %zu", args->n);
    if (args->n && args->items[0].type == FT__JV_UNDEFINED) ft__jinja_fail_undefined(r, args->items[0]);
    if (r->status) return dict;
    if (args->n && args->items[0].type == FT__JV_DICT) {
        const ft__jdict *from = args->items[0].as.dict;
        for (size_t i = 0; i < from->n; i++)
            ft__jinja_dict_set(r, dict.as.dict, from->entries[i].key, from->entries[i].value);
    } else if (args->n && ft__jinja_iterate(r, args->items[0], &items, &n)) {
        for (size_t i = 0; i < n && ft__jinja_iterate(r, items[i], &pair, &n_pair); i++) {
            if (n_pair == 2) ft__jinja_dict_set(r, dict.as.dict, pair[0], pair[1]);
            else ft__jinja_error(r, "dictionary update sequence element #%zu has length %zu; 2 is required", i,
                                 n_pair);
        }
    }
    for (size_t i = 0; i < args->n_named && !r->status; i++) {
        ft__jv key = ft__jinja_value(FT__JV_STR);
        key.as.s = args->named[i].name;
        ft__jinja_dict_set(r, dict.as.dict, key, args->named[i].value);
    }
    return dict;
}

static ft__jv ft__jm_namespace(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    ft__jv v = ft__jm_dict(r, self, args);
    if (v.type == FT__JV_DICT) v.type = FT__JV_NAMESPACE;
    return v;
}

static const ft__jrow ft__jm_functions[] = {
    {"dict", ft__jm_dict, NULL, 0},
    {"namespace", ft__jm_namespace, NULL, 0},
    {"raise_exception", ft__jm_raise, "message", 1},
    {"range", ft__jm_range, "/start stop step", 1},
    {"strftime_now", ft__jm_strftime_now, "format", 1},
};

FT__PRIV const ft__jrow *ft__jinja_function(const char *name, size_t n) {
    return ft__jinja_row(ft__jm_functions, FT__COUNT(ft__jm_functions), name, n);
}

/* ---- tojson: json.dumps */

typedef struct ft__jm_json {
    ft__jv indent, comma, colon; /* strings; indent NONE: all on one line */
    bool ascii, sorted;
    int64_t depth;
} ft__jm_json;

static void ft__jm_json_string(ft__jinja *r, const ft__jm_json *j, const ft__jstr *s) {
    static const char escapes[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *p = s->data, *end = p + s->len, *run = p;
    char text[16];
    ft__jinja_put(r, "\"", 1);
    while (p < end && !r->status) {
        const char *at = p;
        uint32_t c = (unsigned char)*p;
        if (c < 0x80) p++;
        else c = ft__utf8_next(&p, end);
        const char *known = c && c < 0x80 ? strchr(escapes, (int)c) : NULL;
        if (!known && c >= 0x20 && !(j->ascii && c >= 0x7F)) continue;
        ft__jinja_put(r, run, (size_t)(at - run));
        run = p;
        if (known) snprintf(text, sizeof text, "\\%c", letters[known - escapes]);
        else if (c < 0x10000) snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
        else snprintf(text, sizeof text, "\\u%04x\\u%04x", (unsigned)(0xD7C0 + (c >> 10)),
                      (unsigned)(0xDC00 | (c & 0x3FF)));
        ft__jinja_puts(r, text);
    }
    ft__jinja_put(r, run, (size_t)(p - run));
    ft__jinja_put(r, "\"", 1);
}

static void ft__jm_json_break(ft__jinja *r, const ft__jm_json *j) {
    if (j->indent.type != FT__JV_STR) return;
    ft__jinja_put(r, "\n", 1);
    for (int64_t i = 0; i < j->depth && !r->status; i++) ft__jinja_put_value(r, j->indent);
}

static void ft__jm_json_float(ft__jinja *r, double f) {
    if (ft__finite(f)) ft__jinja_put_float(r, f, 0, 0, false);
    else ft__jinja_puts(r, f != f ? "NaN" : f < 0 ? "-Infinity" : "Infinity");
}

static void ft__jm_json_scalar(ft__jinja *r, const ft__jm_json *j, ft__jv v, bool key) {
    if (key && v.type != FT__JV_STR) ft__jinja_put(r, "\"", 1);
    if (v.type == FT__JV_STR) ft__jm_json_string(r, j, v.as.s);
    else if (v.type == FT__JV_NONE) ft__jinja_puts(r, "null");
    else if (v.type == FT__JV_BOOL) ft__jinja_puts(r, v.as.i ? "true" : "false");
    else if (v.type == FT__JV_FLOAT) ft__jm_json_float(r, v.as.f);
    else if (ft__jinja_is_int(v)) ft__jinja_put_number(r, v);
    else if (key) ft__jinja_error(r, "keys must be str, int, float, bool or None, not %s", ft__jinja_type_name(v));
    else ft__jinja_error(r, "Object of type %s is not JSON serializable", ft__jinja_type_name(v));
    if (key && v.type != FT__JV_STR) ft__jinja_put(r, "\"", 1);
}

static void ft__jm_json_value(ft__jinja *r, ft__jm_json *j, ft__jv v);

/* Entries by key, if asked for. */
static const ft__jentry *ft__jm_json_entries(ft__jinja *r, const ft__jm_json *j, ft__jv v) {
    const ft__jdict *d = v.as.dict;
    ft__jargs none = {NULL, 0, NULL, 0};
    if (!j->sorted) return d->entries;
    ft__jv keys = ft__jm_view(r, v, FT__JV_KEYS);
    ft__jpair sensitive;
    static const ft__jstr name = {"case_sensitive", 14, 14, NULL};
    sensitive.name = &name;
    sensitive.value = ft__jinja_bool(true);
    none.named = &sensitive;
    none.n_named = 1;
    keys = ft__jinja_call_row(r, ft__jinja_filter("sort", 4), keys, &none);
    ft__jentry *entries = (ft__jentry *)ft__jinja_alloc(r, d->n, sizeof *entries);
    for (size_t i = 0; entries && i < d->n && !r->status; i++) {
        entries[i].key = keys.as.list->items[i];
        entries[i].value = *ft__jinja_dict_get(r, d, entries[i].key);
    }
    return entries;
}

static void ft__jm_json_container(ft__jinja *r, ft__jm_json *j, ft__jv v) {
    bool is_dict = v.type == FT__JV_DICT;
    size_t n = is_dict ? v.as.dict->n : v.as.list->n;
    const ft__jentry *entries = is_dict ? ft__jm_json_entries(r, j, v) : NULL;
    if (n == 0) {
        ft__jinja_puts(r, is_dict ? "{}" : "[]");
        return;
    }
    ft__jinja_put(r, is_dict ? "{" : "[", 1);
    j->depth++;
    for (size_t i = 0; i < n && !r->status; i++) {
        if (i) ft__jinja_put_value(r, j->comma);
        ft__jm_json_break(r, j);
        if (is_dict) {
            ft__jm_json_scalar(r, j, entries[i].key, true);
            ft__jinja_put_value(r, j->colon);
        }
        ft__jm_json_value(r, j, is_dict ? entries[i].value : v.as.list->items[i]);
    }
    j->depth--;
    ft__jm_json_break(r, j);
    ft__jinja_put(r, is_dict ? "}" : "]", 1);
}

static void ft__jm_json_value(ft__jinja *r, ft__jm_json *j, ft__jv v) {
    if (v.type != FT__JV_DICT && v.type != FT__JV_LIST && v.type != FT__JV_TUPLE) {
        ft__jm_json_scalar(r, j, v, false);
    } else if (ft__jinja_down(r)) {
        ft__jm_json_container(r, j, v);
        ft__jinja_up(r);
    }
}

/* args: ensure_ascii, indent, separators, sort_keys */
FT__PRIV void ft__jinja_put_json(ft__jinja *r, ft__jv v, const ft__jargs *args) {
    ft__jm_json j;
    ft__jv indent = args->items[1], separators = args->items[2];
    const ft__jv *pair;
    size_t n;
    int64_t width = 0;
    j.ascii = ft__jinja_truth(args->items[0]);
    j.sorted = ft__jinja_truth(args->items[3]);
    j.depth = 0;
    j.indent = ft__jm_is_none(indent) || indent.type == FT__JV_STR ? indent : ft__jinja_none();
    if (!ft__jm_is_none(indent) && indent.type != FT__JV_STR &&
        ft__jinja_index(r, indent, "indent must be an integer", &width)) {
        size_t start = r->out.len;
        for (int64_t i = 0; i < width && !r->status; i++) ft__jinja_put(r, " ", 1);
        j.indent = ft__jinja_take(r, start);
    }
    bool one_line = j.indent.type != FT__JV_STR;
    j.comma = ft__jinja_str(r, one_line ? ", " : ",", one_line ? 2 : 1);
    j.colon = ft__jinja_str(r, ": ", 2);
    if (!ft__jm_is_none(separators) && ft__jinja_iterate(r, separators, &pair, &n)) {
        if (n == 2 && pair[0].type == FT__JV_STR && pair[1].type == FT__JV_STR)
            j.comma = pair[0], j.colon = pair[1];
        else ft__jinja_error(r, "separators must be two strings");
    }
    if (!r->status) ft__jm_json_value(r, &j, v);
}
