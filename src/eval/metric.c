/* The registry of metrics: a line of JSON in, a line of JSON out.  A metric is a row in the table of
   its room.  Names, parameters, inputs and the form of the value are those of the programs that the
   metric comes from, so that their numbers can be compared with ours. */
#include "eval.h"

typedef const ft__metric_kind *(*ft__metric_room)(size_t *n);
#define FT__METRIC_ROOM(room) ft__##room##_metrics,
static const ft__metric_room ft__metric_rooms[] = {FT__METRIC_ROOMS(FT__METRIC_ROOM)};
#undef FT__METRIC_ROOM

static const ft__metric_kind *ft__metric_kind_at(size_t index) {
    for (size_t room = 0; room < FT__COUNT(ft__metric_rooms); room++) {
        size_t n;
        const ft__metric_kind *kinds = ft__metric_rooms[room](&n);
        if (index < n) return &kinds[index];
        index -= n;
    }
    return NULL;
}

int ft_metric_count(void) {
    size_t n = 0;
    while (ft__metric_kind_at(n)) n++;
    return (int)n;
}

const char *ft_metric_at(int index) {
    const ft__metric_kind *kind = index < 0 ? NULL : ft__metric_kind_at((size_t)index);
    return kind ? kind->name : NULL;
}

static const ft__metric_kind *ft__metric_find(const char *name, ft_error *err) {
    const char *names[256];
    const ft__metric_kind *kind;
    size_t n = 0;
    for (size_t i = 0; (kind = ft__metric_kind_at(i)) != NULL; i++) {
        if (strcmp(kind->name, name) == 0) return kind;
        if (n < FT__COUNT(names)) names[n++] = kind->name;
    }
    const char *near = ft__nearest(name, names, n, sizeof *names);
    if (near)
        ft__fail(err, FT_ERR_ARGUMENT, "", "no metric is called \"%.100s\"; did you mean \"%s\"?",
                 name, near);
    else ft__fail(err, FT_ERR_ARGUMENT, "", "no metric is called \"%.100s\"", name);
    return NULL;
}

/* ---- inputs */

FT__PRIV ft_status ft__metric_fail(const ft__metric_call *call, const char *fmt, ...) {
    char message[160];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    return ft__fail(call->err, FT_ERR_DATA, "", "%s: %s", call->name, message);
}

FT__PRIV ft_status ft__metric_input(const ft__metric_call *call, const char *field,
                                    ft__json_type type, const ft__json **value) {
    ft__json wanted;
    *value = ft__json_get(call->input, field);
    if (!*value) return ft__metric_fail(call, "the input has no \"%s\"", field);
    if ((*value)->type == type) return FT_OK;
    memset(&wanted, 0, sizeof wanted);
    wanted.type = type;
    return ft__metric_fail(call, "\"%s\" must be of type %s, found %s", field,
                           ft__json_type_name(wanted.type), ft__json_type_name((*value)->type));
}

FT__PRIV ft_status ft__metric_text(const ft__metric_call *call, const char *field, ft__view *text) {
    const ft__json *value;
    ft_status status = ft__metric_input(call, field, FT__JSON_STRING, &value);
    if (!status) *text = ft__json_view(value);
    return status;
}

FT__PRIV ft_status ft__metric_read_texts(const ft__metric_call *call, const ft__json *list,
                                         const char *what, ft__view **texts, size_t *n) {
    *n = 0;
    if (!list || list->type != FT__JSON_ARRAY)
        return ft__metric_fail(call, "%s must be a list of texts", what);
    *texts = (ft__view *)ft__arena_alloc(call->arena, list->count, sizeof **texts);
    if (!*texts) return ft__fail_memory(call->err);
    for (const ft__json *item = list->child; item; item = item->next) {
        if (item->type != FT__JSON_STRING)
            return ft__metric_fail(call, "%s must be a list of texts, found %s", what,
                                   ft__json_type_name(item->type));
        (*texts)[(*n)++] = ft__json_view(item);
    }
    return FT_OK;
}

FT__PRIV ft_status ft__metric_texts(const ft__metric_call *call, const char *field,
                                    ft__view **texts, size_t *n) {
    const ft__json *list;
    ft_status status = ft__metric_input(call, field, FT__JSON_ARRAY, &list);
    return status ? status : ft__metric_read_texts(call, list, field, texts, n);
}

FT__PRIV ft_status ft__metric_numbers(const ft__metric_call *call, const char *field,
                                      double **numbers, size_t *n) {
    const ft__json *list;
    ft_status status = ft__metric_input(call, field, FT__JSON_ARRAY, &list);
    *n = 0;
    if (status) return status;
    *numbers = (double *)ft__arena_alloc(call->arena, list->count, sizeof **numbers);
    if (!*numbers) return ft__fail_memory(call->err);
    for (const ft__json *item = list->child; item; item = item->next) {
        bool flag = item->type == FT__JSON_TRUE || item->type == FT__JSON_FALSE;
        if (item->type != FT__JSON_NUMBER && !flag)
            return ft__metric_fail(call, "\"%s\" must be a list of numbers, found %s", field,
                                   ft__json_type_name(item->type));
        (*numbers)[(*n)++] = flag ? item->type == FT__JSON_TRUE : item->number;
    }
    return FT_OK;
}

/* ---- parameters */

static ft_status ft__metric_bad_param(const ft__metric_call *call, const char *param,
                                      const char *expected) {
    return ft__fail(call->err, FT_ERR_ARGUMENT, "", "%s: parameter \"%s\" must be %s", call->name,
                    param, expected);
}

/* NULL: absent or null, the default holds. */
static const ft__json *ft__metric_given(const ft__metric_call *call, const char *param) {
    const ft__json *given = ft__json_get(call->params, param);
    return given && given->type != FT__JSON_NULL ? given : NULL;
}

FT__PRIV ft_status ft__metric_flag(const ft__metric_call *call, const char *param, bool *value) {
    const ft__json *given = ft__metric_given(call, param);
    if (!given) return FT_OK;
    if (given->type != FT__JSON_TRUE && given->type != FT__JSON_FALSE)
        return ft__metric_bad_param(call, param, "true or false");
    *value = given->type == FT__JSON_TRUE;
    return FT_OK;
}

FT__PRIV ft_status ft__metric_param(const ft__metric_call *call, const char *param, double lowest,
                                    double highest, double *value) {
    const ft__json *given = ft__metric_given(call, param);
    char low[32], high[32], expected[96];
    if (!given) return FT_OK;
    *value = given->number;
    if (given->type == FT__JSON_NUMBER && *value >= lowest && *value <= highest) return FT_OK;
    ft__number_write(lowest, low);
    ft__number_write(highest, high);
    snprintf(expected, sizeof expected, "a number from %s to %s", low, high);
    return ft__metric_bad_param(call, param, expected);
}

FT__PRIV ft_status ft__metric_word(const ft__metric_call *call, const char *param,
                                   const char *const *words, size_t n_words, int *index) {
    const ft__json *given = ft__metric_given(call, param);
    char expected[200] = "one of";
    if (!given) return FT_OK;
    for (size_t i = 0; i < n_words; i++) {
        size_t used = strlen(expected);
        snprintf(expected + used, sizeof expected - used, "%s \"%s\"", i ? "," : "", words[i]);
        if (given->type != FT__JSON_STRING ||
            !ft__text_equal(given->text, given->text_len, words[i], strlen(words[i])))
            continue;
        *index = (int)i;
        return FT_OK;
    }
    return ft__metric_bad_param(call, param, expected);
}

/* ---- the call */

FT__PRIV void ft__metric_number(ft__json_writer *w, const char *key, double value) {
    if (key) ft__json_key(w, key);
    if (ft__finite(value)) ft__json_number(w, value);
    else ft__json_text(w, value > 0 ? "inf" : value < 0 ? "-inf" : "nan");
}

static ft_status ft__metric_run(const char *json, size_t n, ft__arena *arena, ft__json_writer *w,
                                ft_error *err) {
    ft__json *line;
    ft__metric_call call;
    ft_status status = ft__json_parse(json, n, "metric", 1, arena, &line, err);
    if (status) return status;
    const ft__json *name = ft__json_get(line, "metric");
    call.params = ft__json_get(line, "params");
    call.input = ft__json_get(line, "input");
    if (!name || name->type != FT__JSON_STRING)
        return ft__fail(err, FT_ERR_DATA, "", "\"metric\" must be the name of a metric");
    if (!call.input || call.input->type != FT__JSON_OBJECT)
        return ft__fail(err, FT_ERR_DATA, "", "\"input\" must be an object");
    if (call.params && call.params->type != FT__JSON_OBJECT)
        return ft__fail(err, FT_ERR_DATA, "", "\"params\" must be an object");
    const ft__metric_kind *kind = ft__metric_find(name->text, err);
    if (!kind) return err->code;
    call.name = kind->name;
    call.which = kind->which;
    call.arena = arena;
    call.out = w;
    call.err = err;
    ft__json_begin(w, '{');
    ft__json_key(w, "value");
    status = kind->run(&call);
    ft__json_end(w, '}');
    return !status && arena->failed ? ft__fail_memory(err) : status;
}

ft_status ft_metric(const char *json, size_t n_bytes, const ft_allocator *allocator,
                    ft_write_fn write, void *user, ft_error *err) {
    ft_allocator a = ft__allocator(allocator);
    ft_error inner = {FT_OK, "", ""};
    ft__arena arena;
    ft__buf out;
    ft__json_writer w;
    ft__arena_init(&arena, &a);
    ft__buf_init(&out, &a);
    ft__json_writer_init(&w, &out, 0);
    ft_status status = ft__metric_run(json, n_bytes, &arena, &w, &inner);
    if (status && status != FT_ERR_MEMORY) {
        out.len = 0;
        ft__json_writer_init(&w, &out, 0);
        ft__json_begin(&w, '{');
        ft__json_key(&w, "error");
        ft__json_text(&w, inner.message);
        ft__json_end(&w, '}');
        status = FT_OK;
    }
    ft__buf_byte(&out, '\n');
    status = status ? ft__fail_memory(err) : ft__buf_write(&out, write, user, NULL, err);
    ft__buf_free(&out);
    ft__arena_free(&arena);
    return status;
}

ft_status ft_write_metrics(const char *path, ft_write_fn write, void *user, ft_error *err) {
    ft__mapping file;
    ft_status status = ft__map_file(path, &file, err);
    if (status) return status;
    const char *p = (const char *)file.data, *end = p + file.size;
    while (p < end && !status) {
        const char *stop = (const char *)memchr(p, '\n', (size_t)(end - p));
        if (!stop) stop = end;
        ft__view line = {p, (size_t)(stop - p)};
        if (ft__text_strip(line).n) status = ft_metric(p, line.n, NULL, write, user, err);
        p = stop < end ? stop + 1 : end;
    }
    ft__unmap(&file);
    return status;
}

/* ---- the registries, for people */

static void ft__metric_list_evaluator(ft__buf *out, const ft_evaluator_info *info) {
    char low[32], high[32];
    ft__number_write(info->lowest, low);
    ft__number_write(info->highest, high);
    ft__buf_printf(out, "%s\n    %s\n    ", info->name, info->summary);
    if (info->fields[0]) ft__buf_printf(out, "row: %s; ", info->fields);
    if (info->highest == DBL_MAX) ft__buf_printf(out, "%s and up", low);
    else ft__buf_printf(out, "%s to %s", low, high);
    ft__buf_printf(out, ", %s is better\n    %s\n",
                   info->higher_is_better ? "higher" : "lower", info->params);
}

ft_status ft_write_registry(ft_write_fn write, void *user, ft_error *err) {
    ft_allocator a = ft__allocator(NULL);
    ft__buf out;
    ft__buf_init(&out, &a);
    ft__buf_text(&out, "Evaluators, with what they need in a row and their parameters:\n\n");
    for (int i = 0; i < ft_evaluator_count(); i++)
        ft__metric_list_evaluator(&out, ft_evaluator_at(i));
    ft__buf_text(&out, "\nMetrics:\n\n");
    for (int i = 0; i < ft_metric_count(); i++) ft__buf_printf(&out, "%s\n", ft_metric_at(i));
    ft_status status = ft__buf_write(&out, write, user, NULL, err);
    ft__buf_free(&out);
    return status;
}
