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
    const char *file; /* the one argument that is no option */
    const char *prompt, *input, *out, *out_dir, *tokens, *tensor, *kv, *batches, *now;
    double threads, ctx, n, top_k, seed, temp, top_p, min_p;
    list adapters, stops, sets;
    bool json, quiet, special;
} options;

static int fail(const ft_error *err) {
    fprintf(stderr, "ft: %s%s%s\n", err->where, err->where[0] ? ": " : "", err->message);
    return ft_status_exit_code(err->code);
}

static int wrong(const char *what, const char *detail) {
    fprintf(stderr, "ft: %s %s\n", what, detail);
    return 3;
}

static int to_stdout(void *user, const char *bytes, size_t n) {
    (void)user;
    return fwrite(bytes, 1, n, stdout) != n;
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

static int command_compare(const options *o) {
    ft_error err = {0};
    double shown = 0;
    ft_job_desc job_desc = {{0}, o->sets.items, o->sets.n, o->out_dir, NULL, 0};
    ft_compare_desc desc = {(int)o->threads, &shown, o->quiet ? NULL : show_progress};
    ft_job *job = ft_job_load(o->file, &job_desc, &err);
    ft_result *result = job ? ft_compare(job, &desc, &err) : NULL;
    bool color = isatty(1) && !getenv("NO_COLOR");
    bool shown_all = result && !ft_report_term(result, 0, color, to_stdout, NULL, &err);
    int code = shown_all ? (int)ft_result_verdict(result) : fail(&err);
    ft_result_free(result);
    ft_job_free(job);
    return code;
}

/* ---- a model with its adapters in a session */

static int with_session(const options *o, ft_kv_type kv,
                        ft_status (*use)(ft_session *, int, const options *, ft_error *)) {
    ft_error err = {0};
    int variant;
    ft_session_desc desc = {(int)o->threads, (int)o->ctx, kv, 0, 0, 0, false};
    ft_session *s = ft_session_load(o->file, &desc, &err);
    ft_status status = s ? FT_OK : err.code;
    if (!status)
        status = ft_session_load_variant(s, o->adapters.items, o->adapters.n, &variant, &err);
    if (!status) status = use(s, variant, o, &err);
    ft_session_free(s);
    return status ? fail(&err) : 0;
}

static int show_text(void *user, int request, const char *bytes, size_t n) {
    (void)request;
    return to_stdout(user, bytes, n) || fflush(stdout) != 0;
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
    ft_generate_hooks hooks = {NULL, NULL, show_text};
    ft_completion c;
    ft_status status = ft_session_generate(s, &r, 1, &c, &hooks, err);
    if (!status) ft_completions_free(s, &c, 1), putchar('\n');
    free(text);
    return status;
}

static int command_generate(const options *o) {
    if (!o->input && !o->prompt) return wrong("generate needs", "-p TEXT or -f FILE");
    return with_session(o, FT_KV_F16, generate);
}

static ft_status logits(ft_session *s, int variant, const options *o, ft_error *err) {
    int n;
    int32_t *ids = ft_read_ids(o->tokens, &n, err);
    if (!ids) return err->code;
    ft_status status = ft_session_write_logits(s, variant, ids, n, to_stdout, NULL, err);
    free(ids);
    return status;
}

static int command_logits(const options *o) {
    const char *const types[] = {"f16", "f32", "q8_0"}; /* in the order of ft_kv_type */
    int kv = 0;
    if (!o->tokens || !o->out) return wrong("logits needs", "--tokens 1,2,3 and -o FILE");
    while (kv < 3 && strcmp(types[kv], o->kv ? o->kv : "f32") != 0) kv++;
    if (kv == 3) return wrong("--kv is f32, f16 or q8_0, not", o->kv);
    return with_session(o, (ft_kv_type)kv, logits);
}

static ft_status score(ft_session *s, int variant, const options *o, ft_error *err) {
    return ft_write_score(s, variant, o->input, to_stdout, NULL, err);
}

static int command_score(const options *o) {
    return o->input ? with_session(o, FT_KV_F16, score) : wrong("score needs", "-f TEXT_FILE");
}

/* ---- ft render, ft metric, ft tokenize, ft info, ft bench */

static int command_render(const options *o) {
    ft_error err = {0};
    if (!o->input) return wrong("render needs", "-f CASES.jsonl");
    return ft_write_renders(o->file, o->input, o->now, to_stdout, NULL, &err) ? fail(&err) : 0;
}

static int command_metric(const options *o) {
    ft_error err = {0};
    return (o->input ? ft_write_metrics(o->input, to_stdout, NULL, &err)
                     : ft_write_registry(to_stdout, NULL, &err)) ? fail(&err) : 0;
}

static int command_tokenize(const options *o) {
    ft_error err = {0};
    ft_model_desc desc = {{0}, true, false, 0, NULL};
    unsigned flags = o->special ? FT_TOKENIZE_PARSE_SPECIAL : FT_TOKENIZE_DEFAULT;
    if (!o->input && !o->prompt) return wrong("tokenize needs", "-p TEXT or -f ROWS.jsonl");
    ft_model *m = ft_model_load(o->file, &desc, &err);
    ft_status status =
        !m         ? err.code
        : o->input ? ft_write_tokens_of_rows(m, o->input, flags, to_stdout, NULL, &err)
                   : ft_write_tokens(m, o->prompt, strlen(o->prompt), flags, to_stdout, NULL, &err);
    ft_model_free(m);
    return status ? fail(&err) : 0;
}

static int command_info(const options *o) {
    ft_error err = {0};
    if (o->tensor && !o->out) return wrong("info --tensor needs", "-o FILE");
    ft_status status = o->tensor ? ft_info_tensor(o->file, o->tensor, to_stdout, NULL, &err)
                                 : ft_info(o->file, o->json, to_stdout, NULL, &err);
    return status ? fail(&err) : 0;
}

/* A number that is not negative; a whole one unless it may be a fraction. */
static bool take_number(const char *text, double most, bool fraction, double *value) {
    char *end;
    *value = strtod(text, &end);
    return end != text && *end == 0 && *value >= 0 && *value <= most &&
           (fraction || (double)(uint64_t)*value == *value);
}

static int command_bench(const options *o) {
    ft_error err = {0};
    double p = 0;
    int n = 0;
    if (o->prompt && !take_number(o->prompt, INT32_MAX, false, &p))
        return wrong("-p is a number, not", o->prompt);
    int32_t *batches = o->batches ? ft_read_ids(o->batches, &n, &err) : NULL;
    if (o->batches && !batches) return fail(&err);
    ft_bench_desc desc = {{0}, (int)p, (int)o->n, batches, n, (int)o->threads, 0};
    ft_status status = ft_bench(o->file, &desc, o->json, to_stdout, NULL, &err);
    free(batches);
    return status ? fail(&err) : 0;
}

/* ---- arguments */

typedef struct command {
    const char *name;
    int (*run)(const options *o);
    const char *allowed; /* its options, each between blanks */
    const char *usage;
} command;

static const command commands[] = {
    {"compare", command_compare, " --out --threads --set --quiet ",
     "JOB.json [--out DIR] [--threads N] [--set path.to.key=JSON]... [--quiet]"},
    {"generate", command_generate,
     " -a -p -f --temp --top-k --top-p --min-p --seed -n --stop --ctx --threads ",
     "MODEL [-a ADAPTER[:SCALE]]... (-p TEXT | -f FILE) [--temp T] [--top-k K] [--top-p P]\n"
     "             [--min-p P] [--seed S] [-n TOKENS] [--stop TEXT]... [--ctx N] [--threads N]"},
    {"logits", command_logits, " -a --tokens --ctx --kv --threads -o ",
     "MODEL --tokens 1,2,3|@FILE -o FILE [-a ADAPTER[:SCALE]]... [--ctx N] [--kv f32|f16|q8_0]\n"
     "             [--threads N]    raw float32, every position"},
    {"score", command_score, " -a -f --ctx --threads ",
     "MODEL [-a ADAPTER[:SCALE]]... -f TEXT_FILE [--ctx N] [--threads N]    perplexity and such"},
    {"render", command_render, " -f --now ",
     "MODEL|FILE.jinja -f CASES.jsonl [--now 2026-03-14T15:09:26]"},
    {"metric", command_metric, " -f ", "[-f VECTORS.jsonl]    without -f: what there is"},
    {"tokenize", command_tokenize, " --special -p -f ",
     "MODEL [--special] (-p TEXT | -f ROWS.jsonl)"},
    {"info", command_info, " --json --tensor -o ", "FILE [--json] [--tensor NAME -o FILE]"},
    {"bench", command_bench, " -p -n -b -t --json ",
     "MODEL [-p 512] [-n 128] [-b 1,8,32] [-t N] [--json]"},
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
        {"--ctx", WHOLE, &o->ctx}, {"-n", WHOLE, &o->n}, {"-t", WHOLE, &o->threads},
        {"--threads", WHOLE, &o->threads}, {"--top-k", WHOLE, &o->top_k},
        {"--seed", SEED, &o->seed}, {"--temp", FRACTION, &o->temp},
        {"--top-p", FRACTION, &o->top_p}, {"--min-p", FRACTION, &o->min_p},
        {"-a", LIST, &o->adapters}, {"--stop", LIST, &o->stops}, {"--set", LIST, &o->sets},
        {"--json", FLAG, &o->json}, {"--quiet", FLAG, &o->quiet}, {"--special", FLAG, &o->special}};
    size_t k = 0;
    while (strcmp(rows[k].name, argv[*i]) != 0) k++;
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

static int parse(const command *c, int argc, char **argv, options *o) {
    for (int i = 2; i < argc; i++) {
        char name[32], *given = argv[i];
        snprintf(name, sizeof name, " %.29s ", given);
        if (given[0] != '-' && o->file) return wrong("one file too many:", given);
        if (given[0] != '-') o->file = given;
        else if (!strstr(c->allowed, name)) return wrong("there is no option", given);
        else if (!take_option(o, argc, argv, &i)) return wrong("wrong value for", given);
    }
    return o->file || c->usage[0] == '[' ? 0 : wrong(c->name, c->usage);
}

/* -o FILE: standard output goes to a file that gets its name only when all went well. */
static int run(const command *c, const options *o) {
    char partial[4096];
    struct stat st;
    if (!o->out) return c->run(o) | (fflush(stdout) != 0 || ferror(stdout) ? 4 : 0);
    bool whole = stat(o->out, &st) != 0 || S_ISREG(st.st_mode); /* a device is written into */
    snprintf(partial, sizeof partial, "%s%s", o->out, whole ? ".partial" : "");
    if (!freopen(partial, "wb", stdout)) return wrong("cannot create", o->out) + 1;
    int code = c->run(o);
    bool written = !ferror(stdout) && fclose(stdout) == 0;
    if (code == 0 && written && (!whole || rename(partial, o->out) == 0)) return 0;
    if (whole) remove(partial);
    return code ? code : wrong("cannot write", o->out) + 1;
}

int main(int argc, char **argv) {
    options o = {0};
    if (argc < 2) return usage(stderr);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) return usage(stdout);
    if (strcmp(argv[1], "--version") == 0)
        return puts("ft " FT_VERSION) < 0 || fflush(stdout) != 0 ? 4 : 0;
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) != 0) continue;
        int code = parse(&commands[i], argc, argv, &o);
        return code ? code : run(&commands[i], &o);
    }
    fprintf(stderr, "ft: there is no command %s\n\n", argv[1]);
    return usage(stderr);
}
