/* The rows: JSONL files, one object a line.  Every field that ft knows is checked for its type,
   other people's names are mapped to ft's, and a bad line is an error with its place: no row is
   skipped. */
#include "release.h"

static const ft__shape ft__dataset_name = {"", FT__SHAPE_NAME, 0, 0, NULL, NULL};
static const ft__shape ft__dataset_text = {"", FT__SHAPE_STRING, 0, 0, NULL, NULL};
static const ft__shape ft__dataset_object = {"", FT__SHAPE_OBJECT, 0, 0, NULL, NULL};

/* The fields that ft knows; all others are kept for evaluators and cohorts.  null = absent. */
static const ft__shape ft__dataset_keys[] = {
    {"id", FT__SHAPE_NULL | FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {"cohort", FT__SHAPE_NULL | FT__SHAPE_NAME | FT__SHAPE_LIST, 0, 0, NULL, &ft__dataset_name},
    {"prompt", FT__SHAPE_NULL | FT__SHAPE_STRING, 0, 0, NULL, NULL},
    {"messages", FT__SHAPE_NULL | FT__SHAPE_LIST, 0, 0, NULL, &ft__dataset_object},
    {"tools", FT__SHAPE_NULL | FT__SHAPE_LIST, 0, 0, NULL, &ft__dataset_object},
    {"expected", FT__SHAPE_ANY, -DBL_MAX, DBL_MAX, NULL, NULL},
    {"references", FT__SHAPE_NULL | FT__SHAPE_LIST, 0, 0, NULL, NULL},
    {"context", FT__SHAPE_NULL | FT__SHAPE_STRING | FT__SHAPE_LIST, 0, 0, NULL, &ft__dataset_text},
    {"schema", FT__SHAPE_NULL | FT__SHAPE_OBJECT | FT__SHAPE_BOOL, 0, 0, NULL, NULL},
    {"expected_tools", FT__SHAPE_NULL | FT__SHAPE_LIST, 0, 0, NULL, &ft__dataset_object},
    {"choices", FT__SHAPE_NULL | FT__SHAPE_LIST, 0, 0, NULL, &ft__dataset_text},
    {"answer", FT__SHAPE_NULL | FT__SHAPE_STRING | FT__SHAPE_NUMBER, -DBL_MAX, DBL_MAX, NULL, NULL},
    {"cluster", FT__SHAPE_NULL | FT__SHAPE_STRING | FT__SHAPE_NUMBER, -DBL_MAX, DBL_MAX, NULL,
     NULL},
    {"weight", FT__SHAPE_NULL | FT__SHAPE_NUMBER, 0, DBL_MAX, NULL, NULL},
    {"tags", FT__SHAPE_NULL | FT__SHAPE_OBJECT, 0, 0, NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL}};
static const ft__shape ft__dataset_row = {
    "", FT__SHAPE_OBJECT | FT__SHAPE_OPEN, 0, 0, ft__dataset_keys, NULL};

/* The file that is being read. */
typedef struct ft__dataset {
    ft_job *job;
    const ft__data_file *file;
    int file_index;
    const char *stem; /* of made ids */
    bool *mapped;     /* (members of fields) found in some row */
    ft__jsonl reader;
    ft_error *err;
} ft__dataset;

static ft_status ft__dataset_fail(const ft__dataset *d, const char *fmt, ...) FT__PRINTF(2, 3);
static ft_status ft__dataset_fail(const ft__dataset *d, const char *fmt, ...) {
    char message[sizeof d->err->message], where[384];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    return ft__fail(d->err, FT_ERR_DATA, ft__shape_where(d->file->path, d->reader.line, where),
                    "%s", message);
}

static ft_status ft__dataset_check_fields(const ft__dataset *d) {
    size_t n_known = FT__COUNT(ft__dataset_keys) - 1;
    for (const ft__json *f = d->file->fields ? d->file->fields->child : NULL; f; f = f->next) {
        size_t k = 0;
        while (k < n_known && strcmp(ft__dataset_keys[k].name, f->key) != 0) k++;
        if (k < n_known) continue;
        const char *near = ft__nearest(f->key, ft__dataset_keys, n_known, sizeof *ft__dataset_keys);
        return ft__job_fail(d->job, d->err, f->line, "\"fields\": ft has no field \"%.100s\"%s%s%s",
                            f->key, near ? "; did you mean \"" : "", near ? near : "",
                            near ? "\"?" : "");
    }
    return FT_OK;
}

static void ft__dataset_remove(ft__json *row, const char *key) {
    for (ft__json **at = &row->child; *at;) {
        if (ft__text_equal((*at)->key, (*at)->key_len, key, strlen(key))) {
            *at = (*at)->next;
            row->count--;
        } else {
            at = &(*at)->next;
        }
    }
}

/* Gives mapped fields ft's names.  All values are looked up before any is moved, so that a mapping
   may swap two names; a field of ft's own name that the job maps elsewhere is not what ft means by
   it. */
static ft_status ft__dataset_map_fields(ft__dataset *d, ft__json *row) {
    const ft__json *fields = d->file->fields;
    ft__json *first = NULL, **end = &first;
    size_t i = 0;
    for (const ft__json *f = fields->child; f; f = f->next, i++) {
        const ft__json *value = ft__json_path(row, f->text);
        if (!value) continue;
        d->mapped[i] = true;
        *end = (ft__json *)ft__arena_alloc(&d->job->arena, 1, sizeof **end);
        if (!*end) return ft__fail_memory(d->err);
        **end = *value;
        (*end)->key = f->key;
        (*end)->key_len = f->key_len;
        (*end)->next = NULL;
        end = &(*end)->next;
    }
    for (const ft__json *f = fields->child; f; f = f->next) ft__dataset_remove(row, f->key);
    end = &row->child;
    while (*end) end = &(*end)->next;
    *end = first;
    for (; first; first = first->next) row->count++;
    return FT_OK;
}

/* The name of a cohort as text: cohort_by may lead to a number or a bool. */
static const char *ft__dataset_cohort_name(const ft__json *value) {
    if (value->type == FT__JSON_TRUE) return "true";
    if (value->type == FT__JSON_FALSE) return "false";
    bool text = value->type == FT__JSON_STRING && strlen(value->text) == value->text_len;
    return (text && value->text_len) || value->type == FT__JSON_NUMBER ? value->text : NULL;
}

static ft_status ft__dataset_add_cohort(ft__dataset *d, ft__data_row *row, int *cohorts,
                                        const char *name) {
    ft_job *job = d->job;
    size_t index;
    bool is_new;
    if (!name)
        return ft__dataset_fail(
            d, "\"%.100s\" must be a string or a list of strings, none of them empty",
            job->cohort_by);
    if (strcmp(name, FT__EVERY_ROW) == 0)
        return ft__dataset_fail(d, "no cohort may be called \"%s\"", FT__EVERY_ROW);
    if (!ft__names_add(&job->cohorts, &job->allocator, name, &index, &is_new))
        return ft__fail_memory(d->err);
    if (job->cohorts.n > INT_MAX / 2) return ft__dataset_fail(d, "too many cohorts");
    for (int i = 0; i < row->n_cohorts; i++)
        if (cohorts[i] == (int)index) return FT_OK;
    cohorts[row->n_cohorts++] = (int)index;
    return FT_OK;
}

static ft_status ft__dataset_cohorts(ft__dataset *d, ft__data_row *row) {
    ft_job *job = d->job;
    const ft__json *value = ft__json_path(row->row.value, job->cohort_by);
    if (value && value->type == FT__JSON_NULL) value = NULL;
    const ft__job_evaluator *probe = d->file->probe < 0 ? NULL : &job->evaluators[d->file->probe];
    bool list = !probe && value && value->type == FT__JSON_ARRAY;
    if (list && !value->count)
        return ft__dataset_fail(d, "\"%.100s\" is an empty list", job->cohort_by);
    int *cohorts = (int *)ft__arena_alloc(&job->arena, list ? value->count : 1, sizeof *cohorts);
    if (!cohorts) return ft__fail_memory(d->err);
    row->cohorts = cohorts;
    if (probe) {
        const char *name = ft__arena_printf(&job->arena, "%s%s", FT__PROBE_COHORT, probe->name);
        return name ? ft__dataset_add_cohort(d, row, cohorts, name) : ft__fail_memory(d->err);
    }
    if (!value) return ft__dataset_add_cohort(d, row, cohorts, FT__ALL_COHORT);
    job->cohort_by_found = true;
    if (!list) return ft__dataset_add_cohort(d, row, cohorts, ft__dataset_cohort_name(value));
    ft_status status = FT_OK;
    for (const ft__json *e = value->child; e && !status; e = e->next)
        status = ft__dataset_add_cohort(d, row, cohorts, ft__dataset_cohort_name(e));
    return status;
}

static ft_status ft__dataset_id(ft__dataset *d, ft__data_row *row) {
    ft_job *job = d->job;
    const ft__json *id = ft__row_get(&row->row, "id");
    size_t index;
    bool is_new;
    row->id = id ? id->text : ft__arena_printf(&job->arena, "%s:%u", d->stem, (unsigned)row->line);
    if (!row->id || !ft__names_add(&job->ids, &job->allocator, row->id, &index, &is_new))
        return ft__fail_memory(d->err);
    if (is_new) return FT_OK;
    const ft__data_row *other = &job->rows[index]; /* ids and rows go in step */
    return ft__dataset_fail(d, "the id \"%.100s\" is taken by %.120s:%u", row->id,
                            job->data[other->file].path, (unsigned)other->line);
}

static const ft__json ft__dataset_no_prompt = {FT__JSON_STRING, 0, NULL, 0, 0, "", 0, 0, NULL, NULL};

static ft_status ft__dataset_prompt(const ft__dataset *d, ft__data_row *row) {
    const ft__json *prompt = ft__row_get(&row->row, "prompt");
    const ft__json *mapped = d->file->fields ? ft__json_get(d->file->fields, "prompt") : NULL;
    const ft__json *messages = ft__row_get(&row->row, "messages"), *last = NULL;
    for (const ft__json *m = messages ? messages->child : NULL; m; m = m->next) last = m;
    if (messages && !d->job->templated)
        return ft__dataset_fail(d, "\"messages\" need a chat template, but \"prompt.template\" is "
                                   "\"none\"");
    if (messages && !last) return ft__dataset_fail(d, "\"messages\" is an empty list");
    if (messages && prompt)
        return ft__dataset_fail(d, "a row has either \"prompt\" or \"messages\", not both");
    if (last) prompt = ft__json_get(last, "content"); /* what reports show */
    if (messages && (!prompt || prompt->type != FT__JSON_STRING)) prompt = &ft__dataset_no_prompt;
    if (!prompt && mapped)
        return ft__dataset_fail(d, "\"%.100s\" (the prompt) is missing", mapped->text);
    if (!prompt) return ft__dataset_fail(d, "\"prompt\" is missing");
    const ft__json *weight = ft__row_get(&row->row, "weight");
    row->weight = weight ? weight->number : 1;
    row->prompt = prompt->text;
    row->prompt_len = prompt->text_len;
    return FT_OK;
}

static ft_status ft__dataset_add(ft__dataset *d, ft__json *json) {
    ft_job *job = d->job;
    ft__shape_context c = {FT_ERR_DATA, d->file->path, d->err};
    ft__data_row row;
    memset(&row, 0, sizeof row);
    row.file = d->file_index;
    row.line = d->reader.line;
    row.row.value = json;
    if (!ft__grow(&job->allocator, (void **)&job->rows, &job->cap_rows, job->n_rows + 1,
                  sizeof row))
        return ft__fail_memory(d->err);
    ft_status status = FT_OK;
    if (d->file->fields && json->type == FT__JSON_OBJECT) status = ft__dataset_map_fields(d, json);
    if (!status) status = ft__shape_check(&c, json, &ft__dataset_row);
    if (!status) status = ft__dataset_prompt(d, &row);
    if (!status) status = ft__dataset_id(d, &row);
    if (!status) status = ft__dataset_cohorts(d, &row);
    if (!status) job->rows[job->n_rows++] = row;
    return status;
}

static ft_status ft__dataset_lines(ft__dataset *d) {
    const ft__json *fields = d->file->fields;
    size_t before = d->job->n_rows, i = 0;
    for (;;) {
        ft__json *value = NULL;
        ft_status status = ft__jsonl_next(&d->reader, &d->job->arena, &value, d->err);
        if (status == FT_ERR_FORMAT && d->err) d->err->code = FT_ERR_DATA;
        if (status == FT_ERR_FORMAT) return FT_ERR_DATA;
        if (status) return status;
        if (!value) break;
        status = ft__dataset_add(d, value);
        if (status) return status;
    }
    if (d->job->n_rows == before)
        return ft__fail(d->err, FT_ERR_DATA, d->file->path, "the file holds no rows");
    for (const ft__json *f = fields ? fields->child : NULL; f; f = f->next, i++)
        if (!d->mapped[i])
            return ft__job_fail(d->job, d->err, f->line,
                                "\"fields\": no row of %.150s has \"%.100s\"", d->file->path,
                                f->text);
    return FT_OK;
}

static ft_status ft__dataset_file(ft_job *job, int index, ft_error *err) {
    ft__data_file *file = &job->data[index];
    const char *slash = strrchr(file->path, '/'), *name = slash ? slash + 1 : file->path;
    const char *dot = strrchr(name, '.');
    ft__dataset d;
    char *text = NULL;
    size_t n = 0;
    memset(&d, 0, sizeof d);
    d.job = job;
    d.file = file;
    d.file_index = index;
    d.err = err;
    d.stem =
        ft__arena_text(&job->arena, name, dot && dot != name ? (size_t)(dot - name) : strlen(name));
    d.mapped =
        (bool *)ft__arena_alloc(&job->arena, file->fields ? file->fields->count : 0, sizeof(bool));
    if (!d.stem || !d.mapped) return ft__fail_memory(err);
    ft_status status = ft__dataset_check_fields(&d);
    if (!status) status = ft__read_file(file->path, &job->allocator, &text, &n, err);
    if (status) return status;
    ft__sha256_hex(text, n, file->digest);
    ft__jsonl_init(&d.reader, text, n, file->path);
    status = ft__dataset_lines(&d);
    ft__free(&job->allocator, text);
    return status;
}

FT__PRIV ft_status ft__dataset_read(ft_job *job, ft_error *err) {
    const ft__json *by = ft__json_get(job->tree, "cohort_by");
    ft_status status = FT_OK;
    for (int i = 0; i < job->n_data && !status; i++) status = ft__dataset_file(job, i, err);
    if (!status && by && !job->cohort_by_found && strcmp(by->text, "cohort") != 0)
        return ft__job_fail(job, err, by->line, "\"cohort_by\": no row has \"%.100s\"", by->text);
    return status;
}
