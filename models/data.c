/* From rows to tokens.  A row's messages go through the chat template, as at evaluation; its expected answer
   and the end token follow.  Both are tokenized together, and the answer begins with the first token that the
   prompt alone would not have.  Then batches: rows in a random order, as many as fit. */
#include "train.h"

/* ---- texts */

static int collect(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n);
    return 0;
}

/* The template's variables for a row. */
static void template_input(const ft__json *row, const char *end, ft__buf *out) {
    static const char *const passed[] = {"messages", "tools", "documents"};
    ft__json_writer w;
    ft__json_writer_init(&w, out, 0);
    ft__json_begin(&w, '{');
    for (size_t i = 0; i < FT__COUNT(passed); i++) {
        const ft__json *value = ft__json_get(row, passed[i]);
        if (!value) continue;
        ft__json_key(&w, passed[i]);
        ft__json_value(&w, value);
    }
    ft__json_key(&w, "add_generation_prompt");
    ft__json_bool(&w, true);
    ft__json_key(&w, "bos_token");
    ft__json_text(&w, "");
    ft__json_key(&w, "eos_token");
    ft__json_text(&w, end);
    ft__json_end(&w, '}');
}

static ft_status row_text(const ft__json *row, const ft_template *chat, const char *end, const char *where,
                          ft__arena *arena, train_text *text, ft_error *err) {
    const ft__json *expected = ft__json_get(row, "expected"), *messages = ft__json_get(row, "messages");
    ft__buf input, out;
    if (!messages || messages->type != FT__JSON_ARRAY || !expected || expected->type != FT__JSON_STRING)
        return ft__fail(err, FT_ERR_DATA, where,
                        "a row to learn from needs \"messages\", a list, and \"expected\", a text");
    ft__buf_init(&input, &arena->allocator);
    ft__buf_init(&out, &arena->allocator);
    template_input(row, end, &input);
    ft_status status = input.failed ? ft__fail_memory(err)
                                    : ft_template_render(chat, input.data, input.len, NULL, collect, &out, err);
    text->n_prompt = out.len;
    ft__buf_add(&out, expected->text, expected->text_len);
    ft__buf_text(&out, end);
    text->text.len = out.len;
    text->text.data = out.failed ? NULL : ft__arena_text(arena, out.data, out.len);
    if (!status && !text->text.data) status = ft__fail_memory(err);
    ft__buf_free(&input);
    ft__buf_free(&out);
    return status;
}

static bool has_cohort(const ft__json *row, const char *const *cohorts, int n_cohorts) {
    const ft__json *cohort = ft__json_get(row, "cohort");
    for (int i = 0; i < n_cohorts; i++)
        if (cohort && cohort->type == FT__JSON_STRING && strcmp(cohort->text, cohorts[i]) == 0) return true;
    return n_cohorts == 0;
}

/* The row goes into an arena of its own; *end is set behind the last. */
static ft_status next_text(ft__jsonl *reader, const char *const *cohorts, int n_cohorts, const ft_template *chat,
                           const char *end_token, ft__arena *arena, train_text *text, bool *wanted, bool *end,
                           ft_error *err) {
    ft__arena own;
    ft__json *row;
    char where[384];
    ft__arena_init(&own, &arena->allocator);
    ft_status status = ft__jsonl_next(reader, &own, &row, err);
    snprintf(where, sizeof where, "%.300s:%u", reader->name, (unsigned)reader->line);
    *end = !row;
    *wanted = row && has_cohort(row, cohorts, n_cohorts);
    text->line = reader->line;
    text->file = reader->name;
    if (!status && *wanted) status = row_text(row, chat, end_token, where, arena, text, err);
    ft__arena_free(&own);
    return status;
}

ft_status train_read_texts(const char *path, const char *const *cohorts, int n_cohorts, const ft_template *chat,
                           const char *end_token, ft__arena *arena, train_text **texts, int *n, ft_error *err) {
    ft__jsonl reader;
    train_text text, *all = NULL;
    char *data;
    size_t size, cap = 0;
    bool end = false, wanted;
    *n = 0;
    ft_status status = ft__read_file(path, &arena->allocator, &data, &size, err);
    if (status) return status;
    ft__jsonl_init(&reader, data, size, path);
    while (!status && !end) {
        status = next_text(&reader, cohorts, n_cohorts, chat, end_token, arena, &text, &wanted, &end, err);
        if (status || !wanted) continue;
        if (!ft__grow(&arena->allocator, (void **)&all, &cap, (size_t)*n + 1, sizeof *all))
            status = ft__fail_memory(err);
        else all[(*n)++] = text;
    }
    *texts = (train_text *)ft__arena_alloc(arena, (size_t)*n + 1, sizeof **texts);
    if (!*texts) status = ft__fail_memory(err);
    else if (*n) memcpy(*texts, all, (size_t)*n * sizeof *all);
    if (!status && !*n) status = ft__fail(err, FT_ERR_DATA, path, "the file holds no rows to learn from");
    ft__free(&arena->allocator, all);
    ft__free(&arena->allocator, data);
    return status;
}

/* ---- tokens */

static ft_status tokenize_row(const train_text *t, const ft__vocab *vocab, int n_ctx, int32_t *tokens, size_t *n,
                              size_t *n_prompt, ft_error *err) {
    const unsigned flags = FT_TOKENIZE_PLAIN | FT_TOKENIZE_PARSE_SPECIAL;
    char where[384];
    snprintf(where, sizeof where, "%.300s:%u", t->file, (unsigned)t->line);
    const size_t cap = t->text.len;
    ft_status status = ft__vocab_tokenize(vocab, t->text.data, t->n_prompt, flags, tokens, cap, n_prompt, err);
    int32_t last = !status && *n_prompt ? tokens[*n_prompt - 1] : -1;
    if (!status) status = ft__vocab_tokenize(vocab, t->text.data, t->text.len, flags, tokens, cap, n, err);
    if (status) return status;
    if (*n_prompt < 1 || *n <= *n_prompt || tokens[*n_prompt - 1] != last)
        return ft__fail(err, FT_ERR_DATA, where, "a token runs from the prompt into the answer");
    if (*n > (size_t)n_ctx)
        return ft__fail(err, FT_ERR_DATA, where, "%zu tokens, but the context has %d", *n, n_ctx);
    return FT_OK;
}

ft_status train_tokenize(const train_text *texts, int n, const ft__vocab *vocab, int n_ctx, ft__arena *arena,
                         train_rows *rows, ft_error *err) {
    size_t bytes = 0, most = 0, n_row, n_prompt;
    for (int i = 0; i < n; i++) {
        bytes += texts[i].text.len;
        most = texts[i].text.len > most ? texts[i].text.len : most;
    }
    memset(rows, 0, sizeof *rows);
    if (bytes > INT32_MAX) return ft__fail(err, FT_ERR_LIMIT, texts[0].file, "more than 2 GB of text");
    rows->tokens = (int32_t *)ft__arena_alloc(arena, bytes + 1, sizeof(int32_t));
    rows->first = (int *)ft__arena_alloc(arena, (size_t)n + 1, sizeof(int));
    rows->answer = (int *)ft__arena_alloc(arena, (size_t)n + 1, sizeof(int));
    if (arena->failed) return ft__fail_memory(err);
    for (int i = 0; i < n; i++) { /* never more tokens than bytes */
        int32_t *tokens = rows->tokens + rows->n_tokens;
        ft_status status = tokenize_row(&texts[i], vocab, n_ctx, tokens, &n_row, &n_prompt, err);
        if (status) return status;
        rows->answer[i] = (int)n_prompt;
        rows->n_tokens += (int)n_row;
        rows->first[i + 1] = rows->n_tokens;
    }
    rows->n_rows = n;
    return FT_OK;
}

/* ---- batches */

ft_status train_feed_init(train_feed *f, const train_rows *rows, uint64_t seed, float prompt_weight, int max_tokens,
                          ft__arena *arena, ft_error *err) {
    const size_t T = (size_t)max_tokens;
    memset(f, 0, sizeof *f);
    f->rows = rows;
    f->seed = seed;
    f->prompt_weight = prompt_weight;
    f->max_tokens = max_tokens;
    f->order = (int *)ft__arena_alloc(arena, (size_t)rows->n_rows + 1, sizeof(int));
    f->tokens = (int32_t *)ft__arena_alloc(arena, T, sizeof(int32_t));
    f->targets = (int32_t *)ft__arena_alloc(arena, T, sizeof(int32_t));
    f->weights = (float *)ft__arena_alloc(arena, T, sizeof(float));
    f->first = (int *)ft__arena_alloc(arena, T + 1, sizeof(int));
    return arena->failed ? ft__fail_memory(err) : FT_OK;
}

/* Fisher and Yates; draws are named by seed, epoch and place. */
static void shuffle(train_feed *f) {
    for (int i = 0; i < f->rows->n_rows; i++) f->order[i] = i;
    for (int i = f->rows->n_rows - 1; i > 0; i--) {
        const int k = (int)(ft__random_unit(f->seed, f->epoch, 0x6F72646572, (uint32_t)i) * (i + 1));
        const int other = f->order[k];
        f->order[k] = f->order[i];
        f->order[i] = other;
    }
    f->ordered = f->epoch + 1;
}

static void add_row(train_feed *f, int row) {
    const train_rows *r = f->rows;
    const int from = r->first[row], n = r->first[row + 1] - from;
    for (int i = 0; i < n; i++) {
        const int at = f->batch.n_tokens++;
        const float weight = i + 1 >= n ? 0 : i + 1 >= r->answer[row] ? 1 : f->prompt_weight;
        f->tokens[at] = r->tokens[from + i];
        f->targets[at] = weight > 0 ? r->tokens[from + i + 1] : -1;
        f->weights[at] = weight;
        f->weight += (double)weight;
    }
    f->first[++f->batch.n_rows] = f->batch.n_tokens;
}

bool train_feed_next(train_feed *f, bool once) {
    const train_rows *r = f->rows;
    memset(&f->batch, 0, sizeof f->batch);
    f->weight = 0;
    for (;;) {
        if (f->place == r->n_rows && once) break;
        if (f->place == r->n_rows) f->place = 0, f->epoch++;
        if (!once && f->ordered != f->epoch + 1) shuffle(f);
        const int row = once ? f->place : f->order[f->place];
        if (f->batch.n_tokens + r->first[row + 1] - r->first[row] > f->max_tokens) break;
        add_row(f, row);
        f->place++;
    }
    for (int i = 0; i < f->batch.n_tokens; i++) f->weights[i] = (float)((double)f->weights[i] / f->weight);
    f->batch.tokens = f->tokens;
    f->batch.targets = f->targets;
    f->batch.weights = f->weights;
    f->batch.first = f->first;
    return f->batch.n_rows > 0;
}
