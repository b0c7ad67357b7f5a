/* The command `ft`: arguments in, calls of ft.h, results on standard output.  Exit codes: 0 ship or
   success, 1 block, 2 insufficient data, 3 job, data or arguments wrong, 4 the run failed. */
#define FT_IMPLEMENTATION
#include "ft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct list { const char *items[64]; int n; } list;
/* The options of all commands; a command takes those that its row in `commands` names. */
typedef struct options {
    const char *file, *second; /* arguments that are no options */
    const char *prompt, *input, *out, *out_dir, *tokens, *tensor, *kv, *batches, *now, *type;
    double threads, ctx, n, top_k, seed, temp, top_p, min_p;
    list adapters, stops, sets;
    bool json, quiet, special;
    int exit_code; /* of a command that did not fail */
} options;

/* For main to show. */
static ft_status wrong(ft_error *err, const char *what, const char *detail) {
    err->where[0] = 0;
    snprintf(err->message, sizeof err->message, "%s %s", what, detail);
    return err->code = FT_ERR_ARGUMENT;
}

static int to_stdout(void *user, const char *bytes, size_t n) {
    (void)user;
    return fwrite(bytes, 1, n, stdout) != n || fflush(stdout) != 0;
}

/* ---- ft compare */

static int show_progress(void *user, const ft_progress *p) {
    double *shown = (double *)user;
    bool terminal = isatty(2);
    char line[128];
    if (p->seconds - *shown < (terminal ? 0.1 : 10) && p->done != p->total) return 0;
    *shown = p->seconds;
    fputs(ft_progress_text(p, terminal, line), stderr);
    return 0;
}

static ft_status command_compare(options *o, ft_error *err) {
    double shown = 0;
    ft_job_desc job_desc = {{0}, o->sets.items, o->sets.n, o->out_dir, NULL, 0};
    ft_compare_desc desc = {(int)o->threads, &shown, o->quiet ? NULL : show_progress};
    ft_job *job = ft_job_load(o->file, &job_desc, err);
    ft_result *result = job ? ft_compare(job, &desc, err) : NULL;
    bool color = isatty(1) && !getenv("NO_COLOR");
    ft_status status = result ? ft_report_term(result, 0, color, to_stdout, NULL, err) : err->code;
    if (result) o->exit_code = (int)ft_result_verdict(result);
    ft_result_free(result);
    ft_job_free(job);
    return status;
}

/* ---- a model with its adapters in a session */

typedef ft_status session_fn(ft_session *s, int variant, const options *o, ft_error *err);

static ft_status with_session(const options *o, session_fn *use, ft_error *err) {
    const char *const types[] = {"f16", "f32", "q8_0"}; /* in the order of ft_kv_type */
    int variant, kv = 0;
    const char *wanted = o->kv ? o->kv : o->tokens ? "f32" : "f16"; /* --tokens: ft logits */
    while (kv < 3 && strcmp(types[kv], wanted) != 0) kv++;
    if (kv == 3) return wrong(err, "--kv is f32, f16 or q8_0, not", o->kv);
    ft_session_desc desc = {(int)o->threads, (int)o->ctx, (ft_kv_type)kv, 0, 0, 0, false};
    ft_session *s = ft_session_load(o->file, &desc, err);
    ft_status status = s ? FT_OK : err->code;
    if (s) status = ft_session_load_variant(s, o->adapters.items, o->adapters.n, &variant, err);
    if (!status) status = use(s, variant, o, err);
    ft_session_free(s);
    return status;
}

static ft_status generate(ft_session *s, int variant, const options *o, ft_error *err) {
    size_t n = o->input ? 0 : strlen(o->prompt);
    char *text = o->input ? ft_read_file(o->input, &n, err) : NULL;
    if (o->input && !text) return err->code;
    ft_request r = {.variant = variant, .text = text ? text : o->prompt, .text_len = n,
                    .flags = FT_TOKENIZE_PARSE_SPECIAL, .max_tokens = (int)o->n,
                    .sampling = {(float)o->temp, (int)o->top_k, (float)o->top_p, (float)o->min_p,
                                 (uint64_t)o->seed},
                    .stops = o->stops.items, .n_stops = o->stops.n};
    ft_status status = ft_session_write_text(s, &r, to_stdout, NULL, err);
    free(text);
    return status;
}

static ft_status logits(ft_session *s, int variant, const options *o, ft_error *err) {
    int n;
    if (!o->out) return wrong(err, "logits needs", "-o FILE");
    int32_t *ids = ft_read_ids(o->tokens, &n, err);
    if (!ids) return err->code;
    ft_status status = ft_session_write_logits(s, variant, ids, n, to_stdout, NULL, err);
    free(ids);
    return status;
}

static ft_status score(ft_session *s, int variant, const options *o, ft_error *err) {
    return ft_write_score(s, variant, o->input, to_stdout, NULL, err);
}

/* ---- ft render, ft metric, ft tokenize, ft info, ft bench */

static ft_status command_render(options *o, ft_error *err) {
    return ft_write_renders(o->file, o->input, o->now, to_stdout, NULL, err);
}

static ft_status command_metric(options *o, ft_error *err) {
    return o->input ? ft_write_metrics(o->input, to_stdout, NULL, err)
                    : ft_write_registry(to_stdout, NULL, err);
}

static ft_status command_tokenize(options *o, ft_error *err) {
    ft_model_desc desc = {.vocab_only = true};
    unsigned flags = o->special ? FT_TOKENIZE_PARSE_SPECIAL : FT_TOKENIZE_DEFAULT;
    ft_model *m = ft_model_load(o->file, &desc, err);
    if (!m) return err->code;
    ft_status status =
        o->input ? ft_write_tokens_of_rows(m, o->input, flags, to_stdout, NULL, err)
                 : ft_write_tokens(m, o->prompt, strlen(o->prompt), flags, to_stdout, NULL, err);
    ft_model_free(m);
    return status;
}

static ft_status command_info(options *o, ft_error *err) {
    const char *adapter = o->adapters.n ? o->adapters.items[0] : NULL;
    if (o->adapters.n > 1) return wrong(err, "info takes one -a, not also", o->adapters.items[1]);
    if (o->tensor && !o->out) return wrong(err, "info --tensor needs", "-o FILE");
    if (o->tensor) return ft_info_tensor(o->file, o->tensor, to_stdout, NULL, err);
    return adapter ? ft_info_adapter(o->file, adapter, o->json, to_stdout, NULL, err)
                   : ft_info(o->file, o->json, to_stdout, NULL, err);
}

/* ft quantize and ft merge write their files themselves. */
static ft_status command_convert(options *o, ft_error *err) {
    ft_convert_desc desc = {{0}, (int)o->threads, o->json, NULL, NULL};
    const char *out = o->second ? o->second : o->out;
    if (!out) return wrong(err, "there is no name for the output:", "OUT.gguf");
    if (!o->adapters.n) return ft_quantize(o->file, out, o->type, &desc, to_stdout, NULL, err);
    return ft_merge(o->file, o->adapters.items, o->adapters.n, out, o->type, &desc, to_stdout,
                    NULL, err);
}

/* A number that is not negative; a whole one unless it may be a fraction. */
static bool take_number(const char *text, double most, bool fraction, double *value) {
    char *end;
    *value = strtod(text, &end);
    return end != text && *end == 0 && *value >= 0 && *value <= most &&
           (fraction || (double)(uint64_t)*value == *value);
}

static ft_status command_bench(options *o, ft_error *err) {
    double p = 0;
    int n = 0;
    if (o->prompt && !take_number(o->prompt, INT32_MAX, false, &p))
        return wrong(err, "-p is a number, not", o->prompt);
    int32_t *batches = o->batches ? ft_read_ids(o->batches, &n, err) : NULL;
    if (o->batches && !batches) return err->code;
    ft_bench_desc desc = {{0}, (int)p, (int)o->n, batches, n, (int)o->threads, 0};
    ft_status status = ft_bench(o->file, &desc, o->json, to_stdout, NULL, err);
    free(batches);
    return status;
}

/* ---- arguments */

typedef struct command {
    const char *name;
    ft_status (*run)(options *o, ft_error *err);
    session_fn *use;   /* what it does in a session instead */
    const char *needs; /* options of which one must be there, each between blanks; "": none */
    const char *usage; /* names all that it takes */
} command;

static const command commands[] = {
    {"compare", command_compare, NULL, "",
     "JOB.json [--out DIR] [--threads N] [--set path.to.key=JSON]... [--quiet]"},
    {"generate", NULL, generate, " -p -f ",
     "MODEL [-a ADAPTER[:SCALE]]... (-p TEXT | -f FILE) [--temp T] [--top-k K] [--top-p P]\n"
     "             [--min-p P] [--seed S] [-n TOKENS] [--stop TEXT]... [--ctx N] [--threads N]"},
    {"logits", NULL, logits, " --tokens ",
     "MODEL --tokens 1,2,3|@FILE -o FILE [-a ADAPTER[:SCALE]]... [--ctx N] [--kv f32|f16|q8_0]\n"
     "             [--threads N]    raw float32, every position"},
    {"score", NULL, score, " -f ",
     "MODEL [-a ADAPTER[:SCALE]]... -f TEXT_FILE [--ctx N] [--threads N]    perplexity and such"},
    {"render", command_render, NULL, " -f ",
     "MODEL|FILE.jinja -f CASES.jsonl [--now 2026-03-14T15:09:26]"},
    {"metric", command_metric, NULL, "", "[-f VECTORS.jsonl]    without -f: what there is"},
    {"tokenize", command_tokenize, NULL, " -p -f ", "MODEL [--special] (-p TEXT | -f ROWS.jsonl)"},
    {"info", command_info, NULL, "", "FILE [-a ADAPTER] [--json], or FILE --tensor NAME -o FILE"},
    {"quantize", command_convert, NULL, " --type ",
     "MODEL OUT.gguf --type Q4_K_M|Q8_0|... [--json] [--threads N]"},
    {"merge", command_convert, NULL, " -a ",
     "MODEL -a ADAPTER[:SCALE]... -o OUT.gguf [--type TYPE] [--json] [--threads N]"},
    {"bench", command_bench, NULL, "", "MODEL [-p 512] [-n 128] [-b 1,8,32] [-t N] [--json]"},
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static int usage(FILE *to) {
    fprintf(to, "ft %s: judge a tuned model without a cloud\n\n", FT_VERSION);
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(to, "ft %-9s %s\n", commands[i].name, commands[i].usage);
    fprintf(to, "\nExit codes: 0 ship or success, 1 block, 2 insufficient data, 3 wrong job, data\n"
                "or arguments, 4 the run failed.\n");
    return to == stderr ? 3 : fflush(to) != 0 ? 4 : 0;
}

typedef enum kind { TEXT, WHOLE, SEED, FRACTION, LIST, FLAG } kind;

/* Takes argv[*i], which the command allows, and its value if it has one. */
static bool take_option(options *o, int argc, char **argv, int *i) {
    const struct { const char *name; kind kind; void *to; } rows[] = {
        {"-p", TEXT, &o->prompt}, {"-f", TEXT, &o->input}, {"-o", TEXT, &o->out},
        {"--out", TEXT, &o->out_dir}, {"--tokens", TEXT, &o->tokens}, {"--kv", TEXT, &o->kv},
        {"--tensor", TEXT, &o->tensor}, {"--now", TEXT, &o->now}, {"-b", TEXT, &o->batches},
        {"--type", TEXT, &o->type}, {"--ctx", WHOLE, &o->ctx}, {"-n", WHOLE, &o->n},
        {"-t", WHOLE, &o->threads}, {"--threads", WHOLE, &o->threads},
        {"--top-k", WHOLE, &o->top_k}, {"--seed", SEED, &o->seed},
        {"--temp", FRACTION, &o->temp}, {"--top-p", FRACTION, &o->top_p},
        {"--min-p", FRACTION, &o->min_p}, {"-a", LIST, &o->adapters},
        {"--stop", LIST, &o->stops}, {"--set", LIST, &o->sets}, {"--json", FLAG, &o->json},
        {"--quiet", FLAG, &o->quiet}, {"--special", FLAG, &o->special}};
    size_t k = 0, n = sizeof rows / sizeof rows[0];
    while (k < n && strcmp(rows[k].name, argv[*i]) != 0) k++;
    if (k == n) return false;
    if (rows[k].kind == FLAG) return *(bool *)rows[k].to = true;
    if (++*i == argc) return false;
    if (rows[k].kind == TEXT) return (*(const char **)rows[k].to = argv[*i]) != NULL;
    if (rows[k].kind != LIST)
        return take_number(argv[*i], rows[k].kind == SEED ? 9007199254740992.0 : INT32_MAX,
                           rows[k].kind == FRACTION, (double *)rows[k].to);
    list *many = (list *)rows[k].to;
    if (many->n == 64) return false;
    many->items[many->n++] = argv[*i];
    return true;
}

/* An option's name in the usage stands between blanks and brackets. */
static bool takes(const command *c, const char *name) {
    size_t n = strlen(name);
    for (const char *p = c->usage; (p = strstr(p, name)) != NULL; p++)
        if (p > c->usage && strchr(" [(|", p[-1]) && strchr(" ])|", p[n])) return true;
    return false;
}

static ft_status parse(const command *c, int argc, char **argv, options *o, ft_error *err) {
    bool has_needed = !c->needs[0];
    for (int i = 2; i < argc; i++) {
        char name[32], *given = argv[i];
        snprintf(name, sizeof name, " %.29s ", given);
        has_needed |= given[0] == '-' && strstr(c->needs, name);
        if (given[0] != '-' && o->file && (o->second || c->run != command_convert))
            return wrong(err, "one file too many:", given);
        if (given[0] != '-') *(o->file ? &o->second : &o->file) = given;
        else if (!takes(c, given)) return wrong(err, "there is no option", given);
        else if (!take_option(o, argc, argv, &i)) return wrong(err, "wrong value for", given);
    }
    bool whole = has_needed && (o->file || c->usage[0] == '[');
    return whole ? FT_OK : wrong(err, c->name, c->usage);
}

/* -o FILE: standard output goes to a file that gets its name only when all went well. */
static ft_status run(const command *c, options *o, ft_error *err) {
    char partial[4096];
    struct stat st;
    const char *out = c->run == command_convert ? NULL : o->out;
    bool whole = out && (stat(out, &st) != 0 || S_ISREG(st.st_mode)); /* no device */
    snprintf(partial, sizeof partial, "%s%s", out ? out : "", whole ? ".partial" : "");
    if (out && !freopen(partial, "wb", stdout))
        return wrong(err, "cannot create", out), (err->code = FT_ERR_IO);
    ft_status status = c->use ? with_session(o, c->use, err) : c->run(o, err);
    bool written = !ferror(stdout) && (out ? fclose(stdout) : fflush(stdout)) == 0;
    if (!status && (!written || (whole && rename(partial, out) != 0))) {
        wrong(err, "cannot write", out ? out : "standard output");
        status = err->code = FT_ERR_IO;
    }
    if (status && whole) remove(partial);
    return status;
}

int main(int argc, char **argv) {
    options o = {0};
    ft_error err = {0};
    const command *c = commands;
    if (argc < 2) return usage(stderr);
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) return usage(stdout);
    if (!strcmp(argv[1], "--version")) return puts("ft " FT_VERSION) < 0 || fflush(stdout) ? 4 : 0;
    while (c < commands + N_COMMANDS && strcmp(argv[1], c->name) != 0) c++;
    if (c == commands + N_COMMANDS)
        return fprintf(stderr, "ft: there is no command %s\n\n", argv[1]), usage(stderr);
    if (!parse(c, argc, argv, &o, &err) && !run(c, &o, &err)) return o.exit_code;
    fprintf(stderr, "ft: %s%s%s\n", err.where, err.where[0] ? ": " : "", err.message);
    return ft_status_exit_code(err.code);
}
