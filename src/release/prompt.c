/* What a model reads for a row: the row's prompt as it stands ("template": "none"), or its messages through
   a chat template, the model's own ("auto") or that of a .jinja file.  A row without messages is one message
   of the user.  Before the row's come the job's system text, unless the row has one of its own, and the
   examples of "few_shot" as turns of user and assistant.

   A rendered prompt is tokenized as it stands: the template writes BOS itself, and spellings of control
   tokens are those tokens, also where a row's text has them. */
#include "release.h"

/* ---- the job's settings */

static ft_status ft__prompt_read_shot(const ft_job *job, ft__jsonl *reader, ft__shot *shot,
                                      bool *end, ft_error *err) {
    char where[384];
    ft__json *row;
    ft_status status = ft__jsonl_next(reader, &((ft_job *)job)->arena, &row, err);
    *end = !row;
    if (status || !row) return status == FT_ERR_FORMAT ? FT_ERR_DATA : status;
    const ft__json *prompt = ft__json_get(row, "prompt"), *expected = ft__json_get(row, "expected");
    shot->prompt = ft__json_as_text(prompt);
    shot->answer = ft__json_as_text(expected);
    if (shot->prompt.text && shot->answer.text) return FT_OK;
    return ft__fail(err, FT_ERR_DATA, ft__shape_where(reader->name, reader->line, where),
                    "an example needs \"prompt\" and \"expected\", both texts");
}

FT__PRIV ft_status ft__prompt_read_shots(ft_job *job, const char *path, size_t most, ft_error *err) {
    ft__jsonl reader;
    ft__shot shot;
    char *text;
    size_t n, cap = 0;
    bool end = false;
    ft__shot *shots = NULL;
    ft_status status = ft__read_file(path, &job->allocator, &text, &n, err);
    if (status) return status;
    ft__sha256_hex(text, n, job->shots_digest);
    ft__jsonl_init(&reader, text, n, path);
    while (!status && job->n_shots < most) {
        status = ft__prompt_read_shot(job, &reader, &shot, &end, err);
        if (status || end) break;
        if (!ft__grow(&job->allocator, (void **)&shots, &cap, job->n_shots + 1, sizeof *shots))
            status = ft__fail_memory(err);
        else shots[job->n_shots++] = shot;
    }
    job->shots = (ft__shot *)ft__arena_alloc(&job->arena, job->n_shots, sizeof *job->shots);
    if (!job->shots) status = ft__fail_memory(err);
    else if (job->n_shots) memcpy(job->shots, shots, job->n_shots * sizeof *shots);
    if (!status && !job->n_shots)
        status = ft__fail(err, FT_ERR_DATA, path, "the file holds no examples");
    ft__free(&job->allocator, shots);
    ft__free(&job->allocator, text);
    return status;
}

/* ---- one model's prompts */

FT__PRIV ft_status ft__prompter_open(ft__prompter *p, const ft_job *job, const ft_model *model,
                                     const char *model_path, ft_error *err) {
    memset(p, 0, sizeof *p);
    p->job = job;
    p->model = model;
    p->flags = FT_TOKENIZE_DEFAULT;
    ft__buf_init(&p->text, &job->allocator);
    if (!job->templated) return FT_OK;
    size_t n = 0;
    char *file = NULL;
    ft_status status = FT_OK;
    ft_error mine, *error = err ? err : &mine;
    const char *name = job->template_path ? job->template_path : model_path;
    const char *source = ft_model_chat_template(model, &n);
    if (job->template_path) status = ft__read_file(name, &job->allocator, &file, &n, err);
    if (job->template_path) source = file;
    if (!status && !source)
        return ft__fail(err, FT_ERR_UNSUPPORTED, model_path,
                        "the model has no chat template; set \"prompt\": {\"template\": \"none\"} to send "
                        "prompts as they stand, or name a .jinja file");
    if (!status) p->chat = ft_template_parse(source, n, name, &job->allocator, error);
    if (!status && !p->chat) status = error->code;
    p->flags = FT_TOKENIZE_PLAIN | FT_TOKENIZE_PARSE_SPECIAL;
    ft__free(&job->allocator, file);
    return status;
}

FT__PRIV void ft__prompter_close(ft__prompter *p) {
    ft_template_free(p->chat);
    ft__buf_free(&p->text);
}

static void ft__prompt_message(ft__json_writer *w, const char *role, ft__view content) {
    ft__json_begin(w, '{');
    ft__json_key(w, "role");
    ft__json_text(w, role);
    ft__json_key(w, "content");
    ft__json_string(w, content.text, content.n);
    ft__json_end(w, '}');
}

static void ft__prompt_messages(const ft__prompter *p, const ft__data_row *row, ft__json_writer *w) {
    const ft_job *job = p->job;
    const ft__json *messages = ft__row_get(&row->row, "messages");
    const ft__json *first = messages ? messages->child : NULL, *role = ft__json_get(first, "role");
    bool has_system = role && role->type == FT__JSON_STRING &&
                      (strcmp(role->text, "system") == 0 || strcmp(role->text, "developer") == 0);
    ft__json_begin(w, '[');
    if (has_system) ft__json_value(w, first);
    else if (job->system) ft__prompt_message(w, "system", ft__json_view(job->system));
    for (size_t i = 0; i < job->n_shots; i++) {
        ft__prompt_message(w, "user", job->shots[i].prompt);
        ft__prompt_message(w, "assistant", job->shots[i].answer);
    }
    for (const ft__json *m = has_system ? first->next : first; m; m = m->next) ft__json_value(w, m);
    ft__view prompt = {row->prompt_len ? row->prompt : "", row->prompt_len};
    if (!messages) ft__prompt_message(w, "user", prompt);
    ft__json_end(w, ']');
}

static void ft__prompt_token(const ft__prompter *p, ft__json_writer *w, const char *key, int token) {
    size_t n = 0;
    const char *text = token < 0 ? NULL : ft_token_spelling(p->model, token, &n);
    ft__json_key(w, key);
    ft__json_string(w, text ? text : "", n);
}

/* The template's variables. */
static void ft__prompt_input(const ft__prompter *p, const ft__data_row *row, ft__buf *out) {
    const ft__json *tools = ft__row_get(&row->row, "tools");
    const ft_model_info info = ft_model_get_info(p->model);
    ft__json_writer w;
    ft__json_writer_init(&w, out, 0);
    ft__json_begin(&w, '{');
    ft__json_key(&w, "messages");
    ft__prompt_messages(p, row, &w);
    if (tools) {
        ft__json_key(&w, "tools");
        ft__json_value(&w, tools);
    }
    ft__json_key(&w, "add_generation_prompt");
    ft__json_bool(&w, true);
    ft__prompt_token(p, &w, "bos_token", info.bos);
    ft__prompt_token(p, &w, "eos_token", info.eos);
    ft__json_end(&w, '}');
}

static int ft__prompt_collect(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n);
    return 0;
}

FT__PRIV ft_status ft__prompter_text(ft__prompter *p, const ft__data_row *row, ft__view *text,
                                     ft_error *err) {
    ft__view plain = {row->prompt_len ? row->prompt : "", row->prompt_len};
    ft__buf input;
    ft_error inner = {FT_OK, "", ""};
    char where[384];
    *text = plain;
    if (!p->chat) return FT_OK;
    ft__buf_init(&input, &p->job->allocator);
    ft__prompt_input(p, row, &input);
    p->text.len = 0;
    ft_status status = input.failed ? FT_ERR_MEMORY
                                    : ft_template_render(p->chat, input.data, input.len, p->job->now,
                                                         ft__prompt_collect, &p->text, &inner);
    ft__buf_free(&input);
    if (status == FT_ERR_MEMORY || p->text.failed) return ft__fail_memory(err);
    text->text = p->text.len ? p->text.data : "";
    text->n = p->text.len;
    if (!status) return FT_OK;
    ft__shape_where(p->job->data[row->file].path, row->line, where);
    return ft__fail(err, status, where, "%.120s: %.200s", inner.where, inner.message);
}
