/* Tests, what stands behind `is`: a table and the functions in it.  A test gets the value as `self` and gives
   a bool. */
#include "jinja.h"

static ft__jv ft__jt_defined(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jinja_bool(self.type != FT__JV_UNDEFINED);
}

static ft__jv ft__jt_undefined(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jinja_bool(self.type == FT__JV_UNDEFINED);
}

static ft__jv ft__jt_none(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jinja_bool(self.type == FT__JV_NONE);
}

static ft__jv ft__jt_boolean(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jinja_bool(self.type == FT__JV_BOOL);
}

static ft__jv ft__jt_true(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jinja_bool(self.type == FT__JV_BOOL && self.as.i);
}

static ft__jv ft__jt_false(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jinja_bool(self.type == FT__JV_BOOL && !self.as.i);
}

static ft__jv ft__jt_integer(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jinja_bool(self.type == FT__JV_INT || self.type == FT__JV_BIG);
}

static ft__jv ft__jt_float(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jinja_bool(self.type == FT__JV_FLOAT);
}

static ft__jv ft__jt_number(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jinja_bool(ft__jinja_is_number(self));
}

static ft__jv ft__jt_string(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jinja_bool(self.type == FT__JV_STR);
}

static ft__jv ft__jt_mapping(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jinja_bool(self.type == FT__JV_DICT);
}

/* What has a length and items. */
static ft__jv ft__jt_sequence(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jinja_bool(self.type == FT__JV_STR || self.type == FT__JV_DICT || self.type == FT__JV_UNDEFINED ||
                          (self.type >= FT__JV_LIST && self.type <= FT__JV_RANGE));
}

static ft__jv ft__jt_iterable(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jinja_bool(ft__jinja_iterable(self) || self.type == FT__JV_LOOP);
}

static ft__jv ft__jt_callable(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jinja_bool(self.type >= FT__JV_MACRO || self.type == FT__JV_UNDEFINED);
}

static ft__jv ft__jt_escaped(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jinja_bool(self.type == FT__JV_STR && self.flag);
}

static ft__jv ft__jt_upper(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    self = ft__jinja_to_str(r, self);
    return ft__jinja_bool(!r->status && ft__jinja_is_case(self.as.s, true));
}

static ft__jv ft__jt_lower(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    self = ft__jinja_to_str(r, self);
    return ft__jinja_bool(!r->status && ft__jinja_is_case(self.as.s, false));
}

/* self % n == rest */
static ft__jv ft__jt_rest(ft__jinja *r, ft__jv self, ft__jv n, int64_t rest) {
    ft__jv is = ft__jinja_binary(r, '%', self, n);
    return ft__jinja_bool(!r->status && ft__jinja_equal(r, is, ft__jinja_int(rest)));
}

static ft__jv ft__jt_odd(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    return ft__jt_rest(r, self, ft__jinja_int(2), 1);
}

static ft__jv ft__jt_even(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)args;
    return ft__jt_rest(r, self, ft__jinja_int(2), 0);
}

static ft__jv ft__jt_divisible(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jt_rest(r, self, args->items[0], 0);
}

static ft__jv ft__jt_eq(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jinja_bool(ft__jinja_equal(r, self, args->items[0]));
}

static ft__jv ft__jt_ne(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jinja_bool(!ft__jinja_equal(r, self, args->items[0]));
}

static ft__jv ft__jt_lt(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jinja_bool(ft__jinja_compare(r, self, args->items[0], "<") == -1);
}

static ft__jv ft__jt_gt(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jinja_bool(ft__jinja_compare(r, self, args->items[0], ">") == 1);
}

static ft__jv ft__jt_le(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jinja_bool(ft__jinja_compare(r, self, args->items[0], "<=") <= 0);
}

static ft__jv ft__jt_ge(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    int order = ft__jinja_compare(r, self, args->items[0], ">=");
    return ft__jinja_bool(order == 0 || order == 1);
}

static ft__jv ft__jt_in(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    return ft__jinja_bool(ft__jinja_contains(r, self, args->items[0]));
}

/* One and the same, which for numbers and texts is as good as equal. */
static ft__jv ft__jt_sameas(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    ft__jv other = args->items[0];
    bool scalar = self.type <= FT__JV_STR;
    if (self.type != other.type || self.type == FT__JV_UNDEFINED) return ft__jinja_bool(false);
    return ft__jinja_bool(scalar ? ft__jinja_equal(r, self, other)
                          : memcmp(&self.as, &other.as, sizeof self.as) == 0);
}

static ft__jv ft__jt_filter(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jinja_bool(self.type == FT__JV_STR && ft__jinja_filter(self.as.s->data, self.as.s->len));
}

static ft__jv ft__jt_test(ft__jinja *r, ft__jv self, const ft__jargs *args) {
    (void)r, (void)args;
    return ft__jinja_bool(self.type == FT__JV_STR && ft__jinja_test(self.as.s->data, self.as.s->len));
}

static const ft__jrow ft__jt_tests[] = {
    {"!=", ft__jt_ne, "other", 1},           {"<", ft__jt_lt, "other", 1},
    {"<=", ft__jt_le, "other", 1},           {"==", ft__jt_eq, "other", 1},
    {">", ft__jt_gt, "other", 1},            {">=", ft__jt_ge, "other", 1},
    {"boolean", ft__jt_boolean, "", 0},      {"callable", ft__jt_callable, "", 0},
    {"defined", ft__jt_defined, "", 0},      {"divisibleby", ft__jt_divisible, "num", 1},
    {"eq", ft__jt_eq, "other", 1},           {"equalto", ft__jt_eq, "other", 1},
    {"escaped", ft__jt_escaped, "", 0},      {"even", ft__jt_even, "", 0},
    {"false", ft__jt_false, "", 0},          {"filter", ft__jt_filter, "", 0},
    {"float", ft__jt_float, "", 0},          {"ge", ft__jt_ge, "other", 1},
    {"greaterthan", ft__jt_gt, "other", 1},  {"gt", ft__jt_gt, "other", 1},
    {"in", ft__jt_in, "seq", 1},             {"integer", ft__jt_integer, "", 0},
    {"iterable", ft__jt_iterable, "", 0},    {"le", ft__jt_le, "other", 1},
    {"lessthan", ft__jt_lt, "other", 1},     {"lower", ft__jt_lower, "", 0},
    {"lt", ft__jt_lt, "other", 1},           {"mapping", ft__jt_mapping, "", 0},
    {"ne", ft__jt_ne, "other", 1},           {"none", ft__jt_none, "", 0},
    {"number", ft__jt_number, "", 0},        {"odd", ft__jt_odd, "", 0},
    {"sameas", ft__jt_sameas, "other", 1},   {"sequence", ft__jt_sequence, "", 0},
    {"string", ft__jt_string, "", 0},        {"test", ft__jt_test, "", 0},
    {"true", ft__jt_true, "", 0},            {"undefined", ft__jt_undefined, "", 0},
    {"upper", ft__jt_upper, "", 0},
};

FT__PRIV const ft__jrow *ft__jinja_test(const char *name, size_t n) {
    return ft__jinja_row(ft__jt_tests, FT__COUNT(ft__jt_tests), name, n);
}
