/* The run folder: job.json, rows.jsonl, timing.json and, when all else is there, result.json.  What
   may differ from machine to machine (paths, times, threads) stands in job.json and timing.json
   alone; result.json and rows.jsonl are the same bytes wherever the same job gives the same
   answers. */
#include "release.h"

#include <unistd.h> /* getcwd */

/* The run folder may be any folder, also one where the job's own files lie: those are not ours. */
static bool ft__journal_is_input(const ft_job *job, const char *path) {
    bool same = ft__same_file(job->path, path) ||
                ft__same_file(job->template_path, path) ||
                ft__same_file(job->shots_path, path);
    for (int i = 0; i < job->n_evaluators && !same; i++)
        same = ft__same_file(job->evaluators[i].judge, path);
    for (int i = 0; i < job->n_data && !same; i++)
        same = ft__same_file(job->data[i].path, path);
    for (int i = 0; i < job->n_models && !same; i++)
        same = ft__same_file(job->models[i], path);
    for (int i = 0; i < job->n_variants && !same; i++)
        same = ft__same_file(job->variants[i].adapter, path);
    return same;
}

FT__PRIV ft_status ft__journal_clear(const ft_job *job, ft__arena *arena, ft_error *err) {
    static const char *const names[] = {"job.json", "result.json", "rows.jsonl", "timing.json"};
    const char *paths[FT__COUNT(names)];
    ft_status status = FT_OK;
    if (!job->output) return FT_OK;
    for (size_t i = 0; i < FT__COUNT(names); i++) {
        paths[i] = ft__path_join(arena, job->output, names[i]);
        if (!paths[i]) return ft__fail_memory(err);
        if (ft__journal_is_input(job, paths[i]))
            return ft__fail(err, FT_ERR_JOB, paths[i],
                            "the run folder's %s would replace a file that the job reads; choose "
                            "another \"output\"",
                            names[i]);
    }
    for (size_t i = 1; i < FT__COUNT(names) && !status; i++)
        status = ft__remove_file(paths[i], err);
    return status;
}

/* ---- small words of JSON */

static void ft__journal_text(ft__json_writer *w, const char *key, const char *text) {
    ft__json_key(w, key);
    ft__json_text(w, text);
}

static void ft__journal_number(ft__json_writer *w, const char *key, double value) {
    ft__json_key(w, key);
    if (ft__finite(value))
        ft__json_number(w, value);
    else
        ft__json_null(w); /* the range of an evaluator may be open */
}

static void ft__journal_bool(ft__json_writer *w, const char *key, bool value) {
    ft__json_key(w, key);
    ft__json_bool(w, value);
}

static void ft__journal_open(ft__json_writer *w, const char *key, char bracket) {
    ft__json_key(w, key);
    ft__json_begin(w, bracket);
}

static void ft__journal_texts(ft__json_writer *w, const char *key, const char *const *texts,
                              int n) {
    ft__journal_open(w, key, '[');
    for (int i = 0; i < n; i++) ft__json_text(w, texts[i]);
    ft__json_end(w, ']');
}

/* A path that means the same wherever job.json is read from. */
static void ft__journal_path(ft__json_writer *w, ft__arena *arena, const char *key,
                             const char *path) {
    char folder[4096];
    bool relative = path[0] != '/' && getcwd(folder, sizeof folder) != NULL;
    const char *absolute = relative ? ft__path_join(arena, folder, path) : path;
    if (absolute) ft__journal_text(w, key, absolute); /* else the arena remembers the failure */
}

/* A judge's model stands among the inputs; only job.json (with an arena) has its path. */
static void ft__journal_params(ft__json_writer *w, const ft__job_evaluator *e, ft__arena *arena) {
    ft__json_key(w, "params");
    ft__json_begin(w, '{');
    for (const ft__json *p = e->params ? e->params->child : NULL; p; p = p->next) {
        bool path = e->judge && strcmp(p->key, "model") == 0;
        if (path && arena) ft__journal_path(w, arena, "model", e->judge);
        if (path) continue;
        ft__json_key(w, p->key);
        ft__json_value(w, p);
    }
    ft__json_end(w, '}');
}

static void ft__journal_verdict(ft__json_writer *w, int verdict) {
    ft__json_key(w, "verdict");
    if (verdict == FT__NOT_JUDGED)
        ft__json_null(w);
    else
        ft__json_text(w, ft_verdict_name((ft_verdict)verdict));
}

static void ft__journal_fields(ft__json_writer *w, const ft__json *fields) {
    if (!fields) return;
    ft__json_key(w, "fields");
    ft__json_value(w, fields);
}

/* The files of template and examples stand among the inputs; only job.json (with an arena) has their
   paths. */
static void ft__journal_prompt(ft__json_writer *w, const ft_job *job, ft__arena *arena) {
    ft__journal_open(w, "prompt", '{');
    if (job->template_path && arena) ft__journal_path(w, arena, "template", job->template_path);
    else ft__journal_text(w, "template", !job->templated      ? "none"
                                         : job->template_path ? "file"
                                                              : "auto");
    if (job->system) {
        ft__json_key(w, "system");
        ft__json_value(w, job->system);
    }
    if (job->shots_path) {
        ft__journal_open(w, "few_shot", '{');
        if (arena) ft__journal_path(w, arena, "path", job->shots_path);
        ft__journal_number(w, "n", (double)job->n_shots);
        ft__json_end(w, '}');
    }
    if (job->now) ft__journal_text(w, "now", job->now);
    ft__json_end(w, '}');
}

/* The settings that answers and cohorts depend on. */
static void ft__journal_settings(ft__json_writer *w, const ft_job *job, ft__arena *arena) {
    ft__journal_text(w, "cohort_by", job->cohort_by);
    ft__journal_prompt(w, job, arena);
    ft__journal_open(w, "generate", '{');
    ft__journal_number(w, "max_tokens", job->max_tokens);
    ft__journal_number(w, "temperature", job->temperature);
    ft__journal_number(w, "top_k", job->sampling.top_k);
    ft__journal_number(w, "top_p", job->top_p);
    ft__journal_number(w, "min_p", job->min_p);
    ft__journal_number(w, "seed", (double)job->sampling.seed);
    ft__journal_texts(w, "stop", job->stops, job->n_stops);
    ft__journal_number(w, "repeat", job->repeat);
    ft__json_end(w, '}');
}

/* Every file that went in: whose it is, what kind, its SHA-256; and for job.json its path. */
static void ft__journal_input(ft__json_writer *w, const char *role, const char *kind,
                              const char *digest, const char *path, const ft__json *fields) {
    ft__json_begin(w, '{');
    ft__journal_text(w, "role", role);
    ft__journal_text(w, "kind", kind);
    if (path) ft__journal_text(w, "path", path);
    ft__journal_text(w, "sha256", digest);
    ft__journal_fields(w, fields);
    ft__json_end(w, '}');
}

static void ft__journal_inputs(ft__json_writer *w, const ft_result *r, bool paths) {
    const ft_job *job = r->job;
    ft__journal_open(w, "inputs", '[');
    for (int i = 0; i < job->n_variants; i++) {
        const ft__variant *v = &job->variants[i];
        if (i == 0 || v->model)
            ft__journal_input(w, v->name, "model", r->model_digests[v->model],
                              paths ? job->models[v->model] : NULL, NULL);
        if (v->adapter)
            ft__journal_input(w, v->name, "adapter", r->adapter_digests[i],
                              paths ? v->adapter : NULL, NULL);
    }
    for (int i = 0; i < job->n_evaluators; i++) {
        const ft__job_evaluator *e = &job->evaluators[i];
        if (e->judge)
            ft__journal_input(w, e->name, "judge", r->judge_digests[i], paths ? e->judge : NULL,
                              NULL);
    }
    if (job->template_path)
        ft__journal_input(w, "prompt", "template", r->template_digest,
                          paths ? job->template_path : NULL, NULL);
    if (job->shots_path)
        ft__journal_input(w, "prompt", "few_shot", job->shots_digest,
                          paths ? job->shots_path : NULL, NULL);
    for (int i = 0; i < job->n_data; i++) {
        const ft__data_file *f = &job->data[i];
        ft__journal_input(w, f->probe < 0 ? "data" : job->evaluators[f->probe].name,
                          f->probe < 0 ? "rows" : "probe", f->digest, paths ? f->path : NULL,
                          f->fields);
    }
    ft__json_end(w, ']');
}

/* ---- job.json */

/* What was done to a variant's weights before it ran. */
static void ft__journal_weights(ft__json_writer *w, const ft__variant *v, const char *quantize) {
    if (v->merge) {
        ft__json_key(w, "merge");
        ft__json_bool(w, true);
    }
    if (quantize) ft__journal_text(w, "quantize", quantize);
}

static void ft__journal_job_models(ft__json_writer *w, ft_result *r) {
    const ft_job *job = r->job;
    ft__journal_open(w, "base", '{');
    ft__journal_path(w, &r->arena, "model", job->models[0]);
    if (job->quantize[0]) ft__journal_text(w, "quantize", job->quantize[0]);
    ft__json_end(w, '}');
    ft__journal_open(w, "candidates", '[');
    for (int i = 1; i < job->n_variants; i++) {
        const ft__variant *v = &job->variants[i];
        ft__json_begin(w, '{');
        ft__journal_text(w, "name", v->name);
        const bool of_base = v->merge && v->base == 0; /* whatever the base was brought into */
        if (!of_base && (v->model || !v->adapter))
            ft__journal_path(w, &r->arena, "model", job->models[v->model]);
        if (v->adapter) ft__journal_path(w, &r->arena, "adapter", v->adapter);
        if (v->adapter) ft__journal_number(w, "scale", v->scale);
        ft__journal_weights(w, v, of_base ? job->quantize[v->model] : v->quantize);
        ft__json_end(w, '}');
    }
    ft__json_end(w, ']');
}

static void ft__journal_job_data(ft__json_writer *w, ft_result *r) {
    const ft_job *job = r->job;
    ft__journal_open(w, "data", '[');
    for (int i = 0; i < job->n_data; i++) {
        if (job->data[i].probe >= 0) continue;
        ft__json_begin(w, '{');
        ft__journal_path(w, &r->arena, "path", job->data[i].path);
        ft__journal_fields(w, job->data[i].fields);
        ft__json_end(w, '}');
    }
    ft__json_end(w, ']');
}

static void ft__journal_job_evaluators(ft__json_writer *w, const ft_job *job, ft__arena *arena) {
    ft__journal_open(w, "evaluators", '[');
    for (int i = 0; i < job->n_evaluators; i++) {
        const ft__job_evaluator *e = &job->evaluators[i];
        if (e->probe) continue;
        ft__json_begin(w, '{');
        ft__journal_text(w, "use", e->use);
        ft__journal_text(w, "name", e->name);
        ft__journal_params(w, e, arena);
        if (e->n_cohorts) ft__journal_texts(w, "cohorts", e->cohorts, e->n_cohorts);
        ft__json_end(w, '}');
    }
    ft__json_end(w, ']');
}

static void ft__journal_limits(ft__json_writer *w, const ft__rule *rule) {
    if (rule->has_max_drop) ft__journal_number(w, "max_drop", rule->max_drop);
    if (rule->has_min_gain) ft__journal_number(w, "min_gain", rule->min_gain);
}

static void ft__journal_job_gate(ft__json_writer *w, ft_result *r) {
    const ft_job *job = r->job;
    ft__journal_open(w, "gate", '{');
    ft__journal_number(w, "alpha", job->alpha);
    ft__journal_text(w, "correction", job->correction);
    ft__journal_open(w, "rules", '[');
    for (int i = 0; i < job->n_rules; i++) {
        const ft__rule *rule = &job->rules[i];
        if (job->n_rules - i <= job->n_probes) break; /* the probes' rules come last */
        ft__json_begin(w, '{');
        ft__journal_text(w, "evaluator", job->evaluators[rule->evaluator].name);
        ft__journal_text(w, "cohort", rule->cohort);
        ft__journal_limits(w, rule);
        ft__journal_text(w, "mode", "point");
        ft__json_end(w, '}');
    }
    ft__json_end(w, ']');
    ft__json_end(w, '}');
    ft__journal_open(w, "probes", '{');
    for (int i = 0; i < job->n_data; i++) {
        if (job->data[i].probe < 0) continue;
        const ft__job_evaluator *e = &job->evaluators[job->data[i].probe];
        ft__journal_open(w, e->name, '{');
        ft__journal_path(w, &r->arena, "path", job->data[i].path);
        ft__journal_text(w, "evaluator", e->use);
        ft__journal_limits(w, &job->rules[job->n_rules - job->n_data + i]);
        ft__json_end(w, '}');
    }
    ft__json_end(w, '}');
}

static ft_status ft__journal_write(ft_result *r, const char *name, const ft__buf *text,
                                   ft_error *err) {
    const char *path = ft__path_join(&r->arena, r->job->output, name);
    if (text->failed || r->arena.failed) return ft__fail_memory(err);
    return ft__write_file(path, text->data, text->len, &r->allocator, err);
}

FT__PRIV ft_status ft__journal_begin(ft_result *r, ft_error *err) {
    const ft_job *job = r->job;
    ft__buf text;
    ft__json_writer w;
    if (!job->output) return FT_OK;
    ft_status status = ft__make_dirs(job->output, &r->allocator, err);
    if (status) return status;
    ft__buf_init(&text, &r->allocator);
    ft__json_writer_init(&w, &text, 1);
    ft__json_begin(&w, '{');
    ft__journal_text(&w, "name", job->name);
    ft__journal_job_models(&w, r);
    ft__journal_job_data(&w, r);
    ft__journal_settings(&w, job, &r->arena);
    ft__journal_job_evaluators(&w, job, &r->arena);
    ft__journal_job_gate(&w, r);
    ft__journal_bool(&w, "tokens", job->tokens);
    ft__journal_path(&w, &r->arena, "output", job->output);
    ft__journal_inputs(&w, r, true);
    ft__json_end(&w, '}');
    ft__buf_byte(&text, '\n');
    status = ft__journal_write(r, "job.json", &text, err);
    ft__buf_free(&text);
    return status;
}

/* ---- rows.jsonl */

static const char *ft__journal_state(ft_score_state state) {
    static const char *const names[] = {"scored", "error", "not_applicable", "missing"};
    return names[state];
}

/* Parts of the output that the evaluator points at, in bytes. */
static void ft__journal_spans(ft__json_writer *w, const ft_score *s) {
    ft__journal_open(w, "spans", '[');
    for (int i = 0; i < s->n_spans && i < FT_MAX_SPANS; i++) {
        ft__json_begin(w, '{');
        ft__journal_number(w, "begin", (double)s->spans[i].begin);
        ft__journal_number(w, "end", (double)s->spans[i].end);
        ft__journal_text(w, "what", s->spans[i].what);
        ft__json_end(w, '}');
    }
    ft__json_end(w, ']');
}

static void ft__journal_scores(ft__json_writer *w, const ft_job *job, const ft_score *scores) {
    ft__journal_open(w, "scores", '{');
    for (int e = 0; e < job->n_evaluators; e++) {
        ft__journal_open(w, job->evaluators[e].name, '{');
        ft__journal_text(w, "state", ft__journal_state(scores[e].state));
        if (scores[e].state == FT_SCORED) {
            ft__journal_number(w, "value", scores[e].value);
            ft__journal_bool(w, "pass", scores[e].pass);
        }
        if (scores[e].detail[0]) ft__journal_text(w, "detail", scores[e].detail);
        if (scores[e].n_spans) ft__journal_spans(w, &scores[e]);
        ft__json_end(w, '}');
    }
    ft__json_end(w, '}');
}

FT__PRIV void ft__journal_row(const ft_result *r, size_t row, int variant, int repeat,
                              const ft_score *scores, ft__buf *line) {
    static const char *const finish[] = {"end", "stop", "length"};
    const ft_job *job = r->job;
    const ft__data_row *data = &job->rows[row];
    const ft__answer *answer = ft__result_answer(r, row, variant, repeat);
    ft__json_writer w;
    char hex[65];
    size_t start = line->len;
    ft__json_writer_init(&w, line, 0);
    ft__json_begin(&w, '{');
    ft__journal_text(&w, "id", data->id);
    ft__journal_open(&w, "cohorts", '[');
    for (int c = 0; c < data->n_cohorts; c++)
        ft__json_text(&w, job->cohorts.names[data->cohorts[c]]);
    ft__json_end(&w, ']');
    ft__journal_text(&w, "variant", job->variants[variant].name);
    ft__journal_number(&w, "repeat", repeat);
    ft__journal_number(&w, "prompt_tokens", answer->n_prompt);
    ft__json_key(&w, "output");
    if (answer->text) ft__json_string(&w, answer->text, answer->text_len);
    else ft__json_null(&w);
    ft__journal_number(&w, "n_tokens", answer->n_tokens);
    if (answer->text) ft__journal_text(&w, "finish", finish[answer->finish]);
    ft__journal_scores(&w, job, scores);
    if (line->failed) return;
    ft__sha256_hex(line->data + start, line->len - start, hex);
    ft__journal_text(&w, "sha256", hex);
    ft__json_end(&w, '}');
    ft__buf_byte(line, '\n');
}

/* ---- result.json */

static void ft__journal_evaluators(ft__json_writer *w, const ft_job *job) {
    ft__journal_open(w, "evaluators", '[');
    for (int i = 0; i < job->n_evaluators; i++) {
        const ft__job_evaluator *e = &job->evaluators[i];
        const ft_evaluator_info *info = ft_evaluator_get_info(e->handle);
        const ft__json *threshold = ft__json_get(e->params, "threshold");
        ft__json_begin(w, '{');
        ft__journal_text(w, "name", e->name);
        ft__journal_text(w, "use", e->use);
        ft__journal_params(w, e, NULL);
        if (e->n_cohorts) ft__journal_texts(w, "cohorts", e->cohorts, e->n_cohorts);
        ft__journal_text(w, "signature", info->signature);
        ft__journal_bool(w, "higher_is_better", info->higher_is_better);
        ft__journal_number(w, "threshold", threshold ? threshold->number : info->threshold);
        ft__journal_number(w, "lowest", info->lowest);
        ft__json_key(w, "highest");
        if (info->highest == DBL_MAX) ft__json_null(w); /* no end */
        else ft__json_number(w, info->highest);
        ft__json_end(w, '}');
    }
    ft__json_end(w, ']');
}

static void ft__journal_variants(ft__json_writer *w, const ft_result *r) {
    ft__journal_open(w, "variants", '[');
    for (int v = 0; v < r->job->n_variants; v++) {
        ft__json_begin(w, '{');
        ft__journal_text(w, "name", r->job->variants[v].name);
        if (r->job->variants[v].adapter) ft__journal_number(w, "scale", r->job->variants[v].scale);
        ft__journal_weights(w, &r->job->variants[v], r->job->variants[v].quantize);
        ft__journal_text(w, "prompts", r->prompt_digests[r->job->variants[v].model]);
        ft__journal_text(w, "answers", r->answer_digests[v]);
        ft__json_end(w, '}');
    }
    ft__json_end(w, ']');
}

static void ft__journal_numbers(ft__json_writer *w, const ft_result *r, int variant,
                                const ft__numbers *n) {
    ft__json_begin(w, '{');
    ft__journal_text(w, "variant", r->job->variants[variant].name);
    ft__journal_number(w, "n", n->n_scored);
    ft__json_key(w, "mean");
    if (n->n_scored)
        ft__json_number(w, n->mean);
    else
        ft__json_null(w);
    ft__json_key(w, "pass");
    if (n->n_scored)
        ft__json_number(w, n->pass);
    else
        ft__json_null(w);
    if (n->corpus) {
        ft__json_key(w, "corpus");
        ft__json_value(w, n->corpus);
    }
    ft__journal_number(w, "errors", n->n_error);
    ft__journal_number(w, "missing", n->n_missing);
    ft__journal_number(w, "not_applicable", n->n_not_applicable);
    if (variant) {
        ft__journal_number(w, "pairs", n->n_pairs);
        ft__json_key(w, "difference");
        if (n->n_pairs)
            ft__json_number(w, n->difference);
        else
            ft__json_null(w);
        ft__journal_number(w, "wins", n->wins);
        ft__journal_number(w, "losses", n->losses);
        ft__journal_number(w, "ties", n->ties);
    }
    ft__json_end(w, '}');
}

/* An evaluator that applies to no row of the cohort is left out. */
static void ft__journal_cohort_evaluator(ft__json_writer *w, const ft_result *r, int cohort,
                                         int e) {
    const ft_job *job = r->job;
    if (!ft__table_applies(&r->table, e, cohort)) return;
    ft__json_begin(w, '{');
    ft__journal_text(w, "evaluator", job->evaluators[e].name);
    ft__journal_open(w, "variants", '[');
    for (int v = 0; v < job->n_variants; v++)
        ft__journal_numbers(w, r, v, ft__table_at(&r->table, e, cohort, v));
    ft__json_end(w, ']');
    ft__json_end(w, '}');
}

static void ft__journal_ratio(ft__json_writer *w, const char *key, double n, double of) {
    ft__json_key(w, key);
    if (of > 0) ft__json_number(w, n / of);
    else ft__json_null(w);
}

/* A candidate and the base token by token; see ft_divergence. */
static void ft__journal_tokens(ft__json_writer *w, const ft__token_sums *s) {
    ft__journal_number(w, "rows", s->n_rows);
    ft__journal_number(w, "tokens", s->n_places);
    ft__journal_ratio(w, "kl_mean", s->kl, s->places);
    ft__journal_number(w, "kl_max", s->kl_max);
    ft__journal_ratio(w, "top1_agreement", s->agree, s->places);
    ft__journal_number(w, "logprob_change", s->logprob - s->base_logprob);
    ft__journal_ratio(w, "logprob_change_per_token", s->logprob - s->base_logprob, s->places);
    ft__journal_number(w, "outputs", s->n_outputs);
    ft__journal_number(w, "same_outputs", s->n_same);
    ft__journal_number(w, "output_tokens", s->n_output);
    ft__journal_ratio(w, "acceptance_rate", s->accepted, s->output);
    ft__journal_ratio(w, "accepted_per_draft_of_4", s->draft_accepted, s->drafts);
}

static void ft__journal_alternatives(ft__json_writer *w, const char *key, const ft_alternative *top,
                                     const ft__view *texts, int n) {
    ft__journal_open(w, key, '[');
    for (int k = 0; k < n; k++) {
        ft__json_begin(w, '{');
        ft__journal_number(w, "token", top[k].token);
        ft__json_key(w, "text");
        ft__json_string(w, texts[k].text, texts[k].n);
        ft__journal_number(w, "logprob", (double)top[k].logprob);
        ft__json_end(w, '}');
    }
    ft__json_end(w, ']');
}

/* Where the outputs part, a line for each row where they do. */
static void ft__journal_differences(ft__json_writer *w, const ft_result *r, int variant) {
    ft__journal_open(w, "first_differences", '[');
    for (size_t i = 0; i < r->job->n_rows; i++) {
        const ft__row_tokens *t = &r->tokens[variant][i];
        if (t->d.first_difference < 0) continue;
        ft__json_begin(w, '{');
        w->indent = 0;
        ft__journal_text(w, "id", r->job->rows[i].id);
        ft__journal_number(w, "at", t->d.first_difference);
        ft__journal_alternatives(w, "base", t->d.base_top, t->base_top, t->d.n_top);
        ft__journal_alternatives(w, "candidate", t->d.top, t->top, t->d.n_top);
        ft__json_end(w, '}');
        w->indent = 1;
    }
    ft__json_end(w, ']');
}

static void ft__journal_candidate_tokens(ft__json_writer *w, const ft_result *r, int variant) {
    ft__token_sums sums;
    ft__json_key(w, "tokens");
    if (!ft__tokens_sum(r, r->table.n_cohorts - 1, variant, &sums)) {
        ft__json_null(w);
        return;
    }
    ft__json_begin(w, '{');
    ft__journal_tokens(w, &sums);
    ft__journal_differences(w, r, variant);
    ft__json_end(w, '}');
}

static void ft__journal_cohort_tokens(ft__json_writer *w, const ft_result *r, int cohort) {
    ft__token_sums sums;
    ft__journal_open(w, "tokens", '[');
    for (int v = 1; v < r->job->n_variants; v++) {
        if (!ft__tokens_sum(r, cohort, v, &sums)) continue;
        ft__json_begin(w, '{');
        ft__journal_text(w, "candidate", r->job->variants[v].name);
        ft__journal_tokens(w, &sums);
        ft__json_end(w, '}');
    }
    ft__json_end(w, ']');
}

static void ft__journal_cohort(ft__json_writer *w, const ft_result *r, int cohort) {
    const ft_job *job = r->job;
    bool every = (size_t)cohort == job->cohorts.n;
    ft__json_begin(w, '{');
    ft__journal_text(w, "cohort", ft__result_cohort(r, cohort));
    ft__journal_number(w, "rows", ft__result_cohort_rows(r, cohort));
    ft__journal_open(w, "scores", '[');
    for (int e = 0; e < job->n_evaluators; e++) ft__journal_cohort_evaluator(w, r, cohort, e);
    ft__json_end(w, ']');
    if (!every) {
        ft__journal_cohort_tokens(w, r, cohort);
        ft__journal_open(w, "verdicts", '[');
        for (int v = 1; v < job->n_variants; v++) {
            ft__json_begin(w, '{');
            ft__journal_text(w, "candidate", job->variants[v].name);
            ft__journal_verdict(w, r->gate.cohorts[cohort * job->n_variants + v]);
            ft__json_end(w, '}');
        }
        ft__json_end(w, ']');
        if (!ft__result_is_probe(r, cohort))
            ft__journal_text(w, "route", job->variants[ft__gate_route(&r->table, &r->gate, cohort)].name);
    }
    ft__json_end(w, '}');
}

static void ft__journal_check(ft__json_writer *w, const ft_result *r, const ft__check *check) {
    const ft_job *job = r->job;
    const ft__numbers *n = ft__table_at(&r->table, check->evaluator, check->cohort, check->variant);
    ft__json_begin(w, '{');
    ft__journal_text(w, "rule", job->rules[check->rule].place);
    ft__journal_text(w, "evaluator", job->evaluators[check->evaluator].name);
    ft__journal_text(w, "cohort", ft__result_cohort(r, check->cohort));
    ft__journal_text(w, "candidate", job->variants[check->variant].name);
    ft__journal_text(w, "mode", "point");
    ft__journal_limits(w, &job->rules[check->rule]);
    ft__journal_number(w, "pairs", n->n_pairs);
    ft__journal_number(w, "unscored", n->n_unscored);
    ft__json_key(w, "difference");
    if (n->n_pairs)
        ft__json_number(w, n->difference);
    else
        ft__json_null(w);
    ft__journal_verdict(w, check->verdict);
    if (check->reason[0]) ft__journal_text(w, "reason", check->reason);
    ft__json_end(w, '}');
}

FT__PRIV ft_status ft__journal_result(ft_result *r, ft_error *err) {
    const ft_job *job = r->job;
    ft__buf *out = &r->json;
    ft__json_writer w;
    ft__json_writer_init(&w, out, 1);
    ft__json_begin(&w, '{');
    ft__journal_number(&w, "ft", 1); /* of this file's layout */
    ft__journal_text(&w, "name", job->name);
    ft__journal_inputs(&w, r, false);
    ft__journal_settings(&w, job, NULL);
    ft__journal_evaluators(&w, job);
    ft__journal_variants(&w, r);
    ft__journal_open(&w, "cohorts", '[');
    ft__journal_cohort(&w, r, r->table.n_cohorts - 1);
    for (int c = 0; c < r->table.n_cohorts - 1; c++) ft__journal_cohort(&w, r, c);
    ft__json_end(&w, ']');
    ft__journal_open(&w, "checks", '[');
    for (int i = 0; i < r->gate.n_checks; i++) ft__journal_check(&w, r, &r->gate.checks[i]);
    ft__json_end(&w, ']');
    ft__journal_open(&w, "candidates", '[');
    for (int v = 1; v < job->n_variants; v++) {
        ft__json_begin(&w, '{');
        ft__journal_text(&w, "name", job->variants[v].name);
        ft__journal_verdict(&w, r->gate.variants[v]);
        ft__journal_candidate_tokens(&w, r, v);
        ft__json_end(&w, '}');
    }
    ft__json_end(&w, ']');
    ft__journal_verdict(&w, r->gate.verdict);
    ft__buf_text(out, ",\n");
    if (out->failed) return ft__fail_memory(err);
    ft__sha256_hex(out->data, out->len, r->digest);
    ft__buf_printf(out, " \"digest\": \"%s\"\n}\n", r->digest);
    return out->failed ? ft__fail_memory(err) : FT_OK;
}

/* ---- the end */

static double ft__journal_rate(double n, double seconds) { return seconds > 0 ? n / seconds : 0; }

FT__PRIV ft_status ft__journal_end(ft_result *r, ft_error *err) {
    const ft__timing *t = &r->timing;
    ft__buf text;
    ft__json_writer w;
    if (!r->job->output) return FT_OK;
    ft__buf_init(&text, &r->allocator);
    ft__json_writer_init(&w, &text, 1);
    ft__json_begin(&w, '{');
    ft__journal_text(&w, "version", FT_VERSION);
    ft__journal_number(&w, "threads", t->threads);
    ft__journal_number(&w, "load_s", t->load_s);
    ft__journal_number(&w, "generate_s", t->generate_s);
    ft__journal_number(&w, "score_s", t->score_s);
    ft__journal_number(&w, "total_s", t->total_s);
    ft__journal_number(&w, "prompt_tokens", t->n_prompt_tokens);
    ft__journal_number(&w, "new_tokens", t->n_new_tokens);
    ft__journal_number(&w, "new_tokens_per_s", ft__journal_rate(t->n_new_tokens, t->generate_s));
    ft__journal_number(&w, "tokens_per_s",
                       ft__journal_rate(t->n_prompt_tokens + t->n_new_tokens, t->generate_s));
    ft__json_end(&w, '}');
    ft__buf_byte(&text, '\n');
    ft_status status = ft__journal_write(r, "timing.json", &text, err);
    ft__buf_free(&text);
    return status ? status : ft__journal_write(r, "result.json", &r->json, err);
}
