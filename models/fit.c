/* The training loop: AdamW (Loshchilov and Hutter 2019) with warm-up, a cosine schedule and clipping by the
   gradient's norm; validation now and then, which keeps the best parameters and may stop early; a checkpoint
   after each validation. */
#include "train.h"

typedef struct chunk {
    size_t at, n;
    bool decays;
} chunk;

/* What a checkpoint holds beside arrays and the log. */
typedef struct state {
    uint64_t step, epoch, place, best_step, bad, n_log;
    double best, loss;       /* least validation loss; sum of the losses since the last validation */
    uint64_t n_loss;
} state;

typedef struct fit {
    const train_job *job;
    ft_allocator allocator;
    ft_error *err;
    ft__arena arena;
    ft__pool *pool;
    train_recipe recipe;
    train_model model;
    train_bpe bpe;
    train_lora lora;
    train_rows rows, valid_rows;
    train_feed feed, valid_feed;
    train_net *net;
    train_kernels kernels;
    uint8_t identity[32];
    const char *out, *checkpoint, *log_path;
    size_t n;                /* parameters that are learned: the model's, or the factors' */
    float *theta, *moment, *square, *best, *slope; /* (n); slope: the gradient */
    float *merged, *gradient; /* adapters: the weights and their gradient (layout.n_params) */
    chunk *chunks;
    int n_chunks;
    double *norms;           /* (n_chunks) */
    train_adamw adamw;
    state s;
    ft__buf log;
} fit;

/* ---- parameters */

/* Box and Muller; number i of tensor `stream`. */
static float normal(uint64_t seed, uint64_t stream, uint32_t i) {
    double sine, cosine;
    const double u = 1 - ft__random_unit(seed, stream, 1, i), v = ft__random_unit(seed, stream, 2, i);
    ft__sincos(6.283185307179586 * v, &sine, &cosine);
    return (float)(ft__sqrt(-2 * ft__log(u)) * cosine);
}

static void fill_normal(float *x, size_t n, uint64_t seed, uint64_t stream, double deviation) {
    for (size_t i = 0; i < n; i++) x[i] = (float)deviation * normal(seed, stream, (uint32_t)i);
}

/* What goes back into the sum of layers starts smaller the more layers there are. */
static void init_tensor(fit *f, uint64_t stream, train_place p, bool residual) {
    const size_t n = (size_t)p.n_rows * (size_t)p.n_cols;
    double deviation = 0.55 / ft__sqrt((double)p.n_cols);
    if (residual) deviation /= ft__sqrt(2.0 * f->recipe.layers);
    float *x = f->theta + p.at;
    if (p.n_rows > 1) fill_normal(x, n, (uint64_t)f->recipe.seed, stream, deviation);
    else for (size_t i = 0; i < n; i++) x[i] = 1;
}

static void init_model(fit *f) {
    const train_layout *l = &f->model.layout;
    init_tensor(f, 0, l->embedding, false);
    for (int i = 0; i < l->shape.n_layers * TRAIN_TENSORS; i++) {
        const int t = i % TRAIN_TENSORS;
        init_tensor(f, (uint64_t)i + 1, l->layers[i], t == TRAIN_O || t == TRAIN_DOWN);
    }
    init_tensor(f, 0, l->output_norm, false);
}

/* B is zero: an adapter begins as the base. */
static void init_lora(fit *f) {
    const train_layout *l = &f->model.layout;
    for (int i = 0; i < l->shape.n_layers * TRAIN_TENSORS; i++)
        if (f->lora.at[i] != SIZE_MAX)
            fill_normal(f->theta + f->lora.at[i], (size_t)f->lora.rank * (size_t)l->layers[i].n_cols,
                        (uint64_t)f->recipe.seed, (uint64_t)i + 1, 1.0 / ft__sqrt((double)l->layers[i].n_cols));
}

/* The weights that the network runs on. */
static const float *weights_of(fit *f, const float *theta) {
    if (!f->recipe.base) return theta;
    train_lora_merge(&f->lora, f->model.params, theta, f->merged);
    return f->merged;
}

/* ---- one step */

static void norm_part(void *user, int part) {
    fit *f = (fit *)user;
    const chunk c = f->chunks[part];
    f->norms[part] = (double)f->kernels.dot(f->slope + c.at, f->slope + c.at, (int)c.n);
}

static void adamw_part(void *user, int part) {
    fit *f = (fit *)user;
    const chunk c = f->chunks[part];
    train_adamw a = f->adamw;
    if (!c.decays) a.decay = 0;
    f->kernels.adamw(f->theta + c.at, f->moment + c.at, f->square + c.at, f->slope + c.at, c.n, &a);
}

static double learning_rate(const train_recipe *r, double step) {
    double sine, cosine, whole = r->steps > r->warmup ? r->steps - r->warmup : 1;
    if (step < r->warmup) return r->lr * (step + 1) / r->warmup;
    ft__sincos(3.141592653589793 * (step - r->warmup) / whole, &sine, &cosine);
    return r->lr * (r->lr_end + (1 - r->lr_end) * 0.5 * (1 + cosine));
}

static void update(fit *f) {
    const train_recipe *r = &f->recipe;
    const double t = (double)f->s.step + 1, lr = learning_rate(r, (double)f->s.step);
    double norm = 0;
    ft__pool_run(f->pool, norm_part, f, f->n_chunks);
    for (int i = 0; i < f->n_chunks; i++) norm += f->norms[i];
    norm = ft__sqrt(norm);
    f->adamw.clip = norm > r->clip ? (float)(r->clip / norm) : 1;
    f->adamw.beta1 = (float)r->beta1;
    f->adamw.beta2 = (float)r->beta2;
    f->adamw.step = (float)(lr / (1 - ft__pow(r->beta1, t)));
    f->adamw.root = (float)(1 / ft__sqrt(1 - ft__pow(r->beta2, t)));
    f->adamw.eps = 1e-8f;
    f->adamw.decay = (float)(lr * r->decay);
    ft__pool_run(f->pool, adamw_part, f, f->n_chunks);
}

static ft_status step(fit *f) {
    float *gradient = f->recipe.base ? f->gradient : f->slope;
    train_feed_next(&f->feed, false);
    memset(gradient, 0, f->model.layout.n_params * sizeof(float));
    const double loss = train_net_run(f->net, weights_of(f, f->theta), &f->feed.batch, gradient);
    if (!ft__finite(loss))
        return ft__fail(f->err, FT_ERR_NUMERIC, f->out,
                        "the loss of step %llu is not finite: a smaller \"lr\" may help",
                        (unsigned long long)f->s.step);
    if (f->recipe.base) train_lora_gradient(&f->lora, f->theta, f->gradient, f->slope);
    update(f);
    f->s.loss += loss;
    f->s.n_loss++;
    f->s.step++;
    f->s.epoch = f->feed.epoch;
    f->s.place = (uint64_t)f->feed.place;
    return FT_OK;
}

/* ---- validation, log, checkpoint */

static double validate(fit *f) {
    double loss = 0, weight = 0;
    const float *w = weights_of(f, f->theta);
    f->valid_feed.place = 0;
    while (train_feed_next(&f->valid_feed, true)) {
        loss += train_net_run(f->net, w, &f->valid_feed.batch, NULL) * f->valid_feed.weight;
        weight += f->valid_feed.weight;
    }
    return loss / weight;
}

static double rounded(double x, double digits) { return ft__floor(x * digits + 0.5) / digits; }

static void log_line(fit *f, double valid) {
    ft__json_writer w;
    ft__json_writer_init(&w, &f->log, 0);
    ft__json_begin(&w, '{');
    ft__json_key(&w, "step");
    ft__json_number(&w, (double)f->s.step);
    ft__json_key(&w, "lr");
    ft__json_number(&w, rounded(learning_rate(&f->recipe, (double)f->s.step), 1e9));
    if (f->s.n_loss) {
        ft__json_key(&w, "train");
        ft__json_number(&w, rounded(f->s.loss / (double)f->s.n_loss, 1e5));
    }
    ft__json_key(&w, "valid");
    ft__json_number(&w, rounded(valid, 1e5));
    ft__json_end(&w, '}');
    ft__buf_byte(&f->log, '\n');
}

static const char magic[] = "ft trainer, checkpoint 1\n";

static ft_status write_checkpoint(fit *f) {
    const float *const arrays[4] = {f->theta, f->moment, f->square, f->best};
    ft__buf b;
    ft__sha256 hash;
    uint8_t digest[32];
    ft__buf_init(&b, &f->allocator);
    f->s.n_log = f->log.len;
    ft__buf_add(&b, magic, sizeof magic);
    ft__buf_add(&b, (const char *)f->identity, sizeof f->identity);
    ft__buf_add(&b, (const char *)&f->s, sizeof f->s);
    for (int i = 0; i < 4; i++) ft__buf_add(&b, (const char *)arrays[i], f->n * sizeof(float));
    ft__buf_add(&b, f->log.len ? f->log.data : "", f->log.len);
    ft__sha256_init(&hash);
    if (!b.failed) ft__sha256_add(&hash, b.data, b.len);
    ft__sha256_end(&hash, digest);
    ft__buf_add(&b, (const char *)digest, sizeof digest);
    ft_status status = b.failed || f->log.failed ? ft__fail_memory(f->err) : FT_OK;
    if (!status) status = ft__write_file(f->checkpoint, b.data, b.len, &f->allocator, f->err);
    ft__buf_free(&b);
    return status;
}

static void take_bytes(const char **p, void *to, size_t n) {
    memcpy(to, *p, n);
    *p += n;
}

static ft_status parse_checkpoint(fit *f, const char *data, size_t size) {
    float *const arrays[4] = {f->theta, f->moment, f->square, f->best};
    const size_t fixed = sizeof magic + 32 + sizeof(state) + 4 * f->n * sizeof(float) + 32;
    uint8_t digest[32];
    ft__sha256 hash;
    const char *p = data + sizeof magic;
    if (size < sizeof magic + 64 || memcmp(data, magic, sizeof magic) != 0)
        return ft__fail(f->err, FT_ERR_FORMAT, f->checkpoint, "is no checkpoint of this trainer, or is cut off");
    ft__sha256_init(&hash);
    ft__sha256_add(&hash, data, size - 32);
    ft__sha256_end(&hash, digest);
    if (memcmp(data + size - 32, digest, 32) != 0)
        return ft__fail(f->err, FT_ERR_FORMAT, f->checkpoint,
                        "is damaged or cut off (its checksum is wrong); remove it to begin anew");
    if (memcmp(p, f->identity, 32) != 0 || size < fixed)
        return ft__fail(f->err, FT_ERR_MISMATCH, f->checkpoint,
                        "belongs to another recipe, other rows or another base; remove it to begin anew");
    p += 32;
    take_bytes(&p, &f->s, sizeof f->s);
    if (f->s.n_log != size - fixed || f->s.place > (uint64_t)f->rows.n_rows || f->s.epoch > UINT32_MAX - 1)
        return ft__fail(f->err, FT_ERR_FORMAT, f->checkpoint, "is damaged; remove it to begin anew");
    for (int i = 0; i < 4; i++) take_bytes(&p, arrays[i], f->n * sizeof(float));
    ft__buf_add(&f->log, p, size - fixed);
    f->feed.epoch = (uint32_t)f->s.epoch;
    f->feed.place = (int)f->s.place;
    return f->log.failed ? ft__fail_memory(f->err) : FT_OK;
}

/* *found: there is one, and it has been read. */
static ft_status read_checkpoint(fit *f, bool *found) {
    char *data;
    size_t size;
    ft_status status = ft__read_file(f->checkpoint, &f->allocator, &data, &size, f->err);
    *found = status == FT_OK;
    if (status == FT_ERR_NOT_FOUND) return FT_OK;
    if (status) return status;
    status = parse_checkpoint(f, data, size);
    ft__free(&f->allocator, data);
    return status;
}

static ft_status check_point(fit *f, double *valid) {
    *valid = validate(f);
    if (f->s.step == 0 || *valid < f->s.best) {
        f->s.best = *valid;
        f->s.best_step = f->s.step;
        f->s.bad = 0;
        memcpy(f->best, f->theta, f->n * sizeof(float));
    } else f->s.bad++;
    log_line(f, *valid);
    f->s.loss = 0;
    f->s.n_loss = 0;
    ft_status status = write_checkpoint(f);
    return status ? status : ft__write_file(f->log_path, f->log.data, f->log.len, &f->allocator, f->err);
}

static ft_status report(fit *f, double began, uint64_t n_tokens, uint64_t first, double valid, bool last) {
    train_progress p;
    const double seconds = ft__seconds() - began + 1e-9, steps = (double)(f->s.step - first);
    p.step = (int)f->s.step;
    p.steps = f->recipe.steps;
    p.loss = f->s.n_loss ? f->s.loss / (double)f->s.n_loss : 0;
    p.valid = valid;
    p.tokens_per_s = (double)n_tokens / seconds;
    p.seconds_left = steps > 0 ? seconds / steps * (p.steps - p.step) : 0;
    p.last = last;
    if (!f->job->progress || f->job->progress(f->job->user, &p) == 0) return FT_OK;
    return ft__fail(f->err, FT_ERR_CANCELLED, f->out,
                    "stopped at step %d; the same command goes on from the checkpoint",
                    p.step);
}

static ft_status loop(fit *f) {
    const uint64_t n_steps = (uint64_t)f->recipe.steps, every = (uint64_t)f->recipe.valid_every;
    const double began = ft__seconds();
    uint64_t n_tokens = 0;
    bool found;
    double valid = 0;
    ft_status status = read_checkpoint(f, &found);
    if (!status && !found) status = check_point(f, &valid); /* also shows whether the folder can be written to */
    valid = f->s.best;
    const uint64_t first = f->s.step;
    while (!status && f->s.step < n_steps && f->s.bad < (uint64_t)f->recipe.patience) {
        status = step(f);
        n_tokens += (uint64_t)f->feed.batch.n_tokens;
        const bool due = f->s.step % every == 0 || f->s.step == n_steps;
        const bool last = f->s.step == n_steps;
        if (!status) status = report(f, began, n_tokens, first, valid, last);
        if (!status && due) status = check_point(f, &valid);
    }
    return status;
}

/* ---- before and after */

static const char *in_folder(fit *f, const char *folder, const char *name) {
    const char *path = ft__path_join(&f->arena, folder, name);
    return path ? path : "";
}

static ft_status learn_vocabulary(fit *f, const train_text *texts, int n) {
    ft__gguf_str *all = (ft__gguf_str *)ft__arena_alloc(&f->arena, (size_t)n, sizeof *all);
    if (!all) return ft__fail_memory(f->err);
    for (int i = 0; i < n; i++) all[i] = texts[i].text;
    ft_status status = train_bpe_learn(&f->bpe, all, n, f->recipe.specials, f->recipe.n_specials, f->recipe.vocab,
                                       &f->arena, f->err);
    return status ? status : train_bpe_vocab(&f->bpe, &f->allocator, &f->model.vocab, f->err);
}

/* A model from nothing: its shape from the recipe, its template from a file. */
static ft_status new_model(fit *f) {
    const train_recipe *r = &f->recipe;
    train_shape s;
    char *chat;
    s.n_layers = r->layers, s.n_embd = r->embd, s.n_heads = r->heads, s.n_kv_heads = r->kv_heads;
    s.head_dim = r->head_dim, s.n_ff = r->ff, s.n_ctx = r->ctx, s.n_vocab = r->vocab;
    s.rope_base = (float)r->rope_base, s.eps = (float)r->eps;
    if (!train_layout_init(&f->model.layout, &s, &f->arena)) return ft__fail_memory(f->err);
    const char *path = ft__path_beside(&f->arena, f->job->recipe, r->chat);
    if (!path) return ft__fail_memory(f->err);
    ft_status status = ft__read_file(path, &f->allocator, &chat, &f->model.n_chat, f->err);
    if (status) return status;
    f->model.chat = ft__arena_text(&f->arena, chat, f->model.n_chat);
    f->model.end = r->specials[0];
    ft__free(&f->allocator, chat);
    return f->model.chat ? FT_OK : ft__fail_memory(f->err);
}

static ft_status read_rows(fit *f) {
    const train_recipe *r = &f->recipe;
    train_text *texts = NULL, *valid = NULL;
    int n = 0, n_valid = 0;
    const int n_ctx = f->model.layout.shape.n_ctx;
    ft_error mine, *err = f->err ? f->err : &mine;
    ft_template *chat = ft_template_parse(f->model.chat, f->model.n_chat, "chat template", &f->allocator, err);
    if (!chat) return err->code;
    ft_status status = train_read_texts(in_folder(f, f->job->data_dir, r->data), NULL, 0, chat, f->model.end,
                                        &f->arena, &texts, &n, f->err);
    if (!status)
        status = train_read_texts(in_folder(f, f->job->data_dir, r->valid), r->cohorts, r->n_cohorts, chat,
                                  f->model.end, &f->arena, &valid, &n_valid, f->err);
    ft_template_free(chat);
    n_valid = n_valid < r->valid_rows ? n_valid : r->valid_rows;
    if (!status && !f->model.vocab) status = learn_vocabulary(f, texts, n);
    if (!status) status = train_tokenize(texts, n, f->model.vocab, n_ctx, &f->arena, &f->rows, f->err);
    if (!status) status = train_tokenize(valid, n_valid, f->model.vocab, n_ctx, &f->arena, &f->valid_rows, f->err);
    return status;
}

static void add_chunks(fit *f, size_t at, size_t n, bool decays) {
    const size_t most = 16384;
    for (size_t i = 0; i < n; i += most, f->n_chunks++) {
        if (!f->chunks) continue; /* the first time they are counted */
        f->chunks[f->n_chunks].at = at + i;
        f->chunks[f->n_chunks].n = n - i < most ? n - i : most;
        f->chunks[f->n_chunks].decays = decays;
    }
}

static void all_chunks(fit *f) {
    const train_layout *l = &f->model.layout;
    f->n_chunks = 0;
    if (f->recipe.base) {
        add_chunks(f, 0, f->n, true);
        return;
    }
    add_chunks(f, l->embedding.at, (size_t)l->embedding.n_rows * (size_t)l->embedding.n_cols, true);
    for (int i = 0; i < l->shape.n_layers * TRAIN_TENSORS; i++) {
        const train_place p = l->layers[i];
        add_chunks(f, p.at, (size_t)p.n_rows * (size_t)p.n_cols, p.n_rows > 1);
    }
    add_chunks(f, l->output_norm.at, (size_t)l->output_norm.n_cols, false);
}

static float *floats(fit *f, size_t n) { return (float *)ft__arena_alloc(&f->arena, n, sizeof(float)); }

static ft_status allocate(fit *f) {
    const train_layout *l = &f->model.layout;
    f->n = f->recipe.base ? f->lora.n_params : l->n_params;
    f->theta = floats(f, f->n), f->moment = floats(f, f->n), f->square = floats(f, f->n);
    f->best = floats(f, f->n), f->slope = floats(f, f->n);
    if (f->recipe.base) f->merged = floats(f, l->n_params), f->gradient = floats(f, l->n_params);
    all_chunks(f);
    f->chunks = (chunk *)ft__arena_alloc(&f->arena, (size_t)f->n_chunks, sizeof *f->chunks);
    f->norms = (double *)ft__arena_alloc(&f->arena, (size_t)f->n_chunks, sizeof *f->norms);
    if (f->arena.failed) return ft__fail_memory(f->err);
    all_chunks(f);
    return FT_OK;
}

/* What must be the same for a checkpoint to be gone on from: recipe, rows, base, template. */
static void identify(fit *f, const uint8_t recipe[32]) {
    ft__sha256 h;
    const train_rows *const rows[2] = {&f->rows, &f->valid_rows};
    ft__sha256_init(&h);
    ft__sha256_add(&h, recipe, 32);
    for (int i = 0; i < 2; i++) {
        ft__sha256_add(&h, rows[i]->tokens, (size_t)rows[i]->n_tokens * sizeof(int32_t));
        ft__sha256_add(&h, rows[i]->first, (size_t)rows[i]->n_rows * sizeof(int));
        ft__sha256_add(&h, rows[i]->answer, (size_t)rows[i]->n_rows * sizeof(int));
    }
    if (f->recipe.base) ft__sha256_add(&h, f->model.params, f->model.layout.n_params * sizeof(float));
    ft__sha256_add(&h, f->model.chat, f->model.n_chat);
    ft__sha256_end(&h, f->identity);
}

static ft_status prepare(fit *f) {
    const train_recipe *r = &f->recipe;
    uint8_t digest[32];
    ft_status status = train_recipe_read(f->job->recipe, f->job->section, &f->arena, &f->recipe, digest, f->err);
    if (status) return status;
    f->out = in_folder(f, f->job->out_dir, r->file);
    f->checkpoint = ft__arena_printf(&f->arena, "%s.checkpoint", f->out);
    f->log_path = ft__arena_printf(&f->arena, "%s.log", f->out);
    f->pool = ft__pool_create(f->job->threads > 0 ? f->job->threads : ft__cpu_count(), &f->allocator, f->err);
    if (!f->pool || f->arena.failed) return f->pool ? ft__fail_memory(f->err) : f->err->code;
    status = train_kernels_choose(&f->kernels, f->err);
    const char *base = r->base ? in_folder(f, f->job->out_dir, r->base) : NULL;
    if (!status) status = base ? train_model_read(&f->model, base, &f->arena, f->err) : new_model(f);
    if (!status) status = read_rows(f);
    if (!status && r->batch < f->model.layout.shape.n_ctx)
        status = ft__fail(f->err, FT_ERR_DATA, f->job->recipe,
                          "\"%s\": \"batch\" must be at least the base's context, %d",
                          r->section, f->model.layout.shape.n_ctx);
    if (!status && r->base) status = train_lora_init(&f->lora, &f->model.layout, r, f->pool, &f->arena, f->err);
    if (!status) status = allocate(f);
    const uint64_t seed = (uint64_t)r->seed;
    const float prompt = (float)r->prompt_weight;
    if (!status) status = train_feed_init(&f->feed, &f->rows, seed, prompt, r->batch, &f->arena, f->err);
    if (!status) status = train_feed_init(&f->valid_feed, &f->valid_rows, 0, 0, r->batch, &f->arena, f->err);
    if (!status) status = ft__make_dirs(f->job->out_dir, &f->allocator, f->err);
    if (status) return status;
    identify(f, digest);
    if (r->base) init_lora(f);
    else init_model(f);
    f->net = train_net_create(&f->model.layout, r->batch, f->pool, &f->allocator, f->err);
    return f->net ? FT_OK : f->err->code;
}

static ft_status write_all(fit *f) {
    const train_recipe *r = &f->recipe;
    ft_status status = r->base ? train_adapter_write(&f->lora, f->best, r, f->out, f->err)
                               : train_model_write(&f->model, f->best, &f->bpe, r, f->out, f->err);
    if (!status && r->peft)
        status = train_peft_write(&f->lora, f->best, r, in_folder(f, f->job->out_dir, r->peft), f->err);
    return status ? status : ft__remove_file(f->checkpoint, f->err);
}

ft_status train_job_run(const train_job *job, ft_error *err) {
    ft_error mine;
    fit *f = (fit *)calloc(1, sizeof *f);
    if (!f) return ft__fail_memory(err);
    f->job = job;
    f->err = err ? err : &mine;
    f->allocator = ft__allocator(&job->allocator);
    ft__arena_init(&f->arena, &f->allocator);
    ft__buf_init(&f->log, &f->allocator);
    ft_status status = prepare(f);
    if (!status) status = loop(f);
    if (!status) status = write_all(f);
    train_net_free(f->net);
    ft__pool_free(f->pool);
    train_model_close(&f->model);
    ft__buf_free(&f->log);
    ft__arena_free(&f->arena);
    free(f);
    return status;
}
