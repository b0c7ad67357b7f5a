/* The command `ft`: arguments in, calls of ft.h, results on standard output.  Exit codes: 0 ship or
   success, 1 block, 2 insufficient data, 3 job, data or arguments wrong, 4 the run failed. */
#define FT_IMPLEMENTATION
#include "ft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_LIST = 64 };

typedef struct list {
    const char *items[MAX_LIST];
    int n;
} list;

/* The options of all commands; a command takes those that its row in `commands` names. */
typedef struct options {
    const char *file; /* the one argument that is no option */
    const char *prompt, *input, *out, *out_dir, *tokens, *tensor, *kv, *batches;
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
    double *shown = (double *)user, rate = (double)p->done / (p->seconds > 0 ? p->seconds : 1e-9);
    bool terminal = isatty(2), last = p->done == p->total;
    if (p->seconds - *shown < (terminal ? 0.1 : 10) && !last) return 0;
    *shown = p->seconds;
    int filled = (int)(30 * p->done / (p->total ? p->total : 1));
    double left = (double)(p->total - p->done) / (rate > 0 ? rate : 1);
    fprintf(stderr, "%s[%.*s%*s] %llu of %llu answers, %.1f/s, %.0f s left%s", terminal ? "\r" : "",
            filled, "==============================", 30 - filled, "", (unsigned long long)p->done,
            (unsigned long long)p->total, rate, left, terminal && !last ? "\033[K" : "\n");
    return 0;
}

static int command_compare(const options *o) {
    ft_error err = {0};
    double shown = 0;
    ft_job_desc job_desc = {{0}, o->sets.items, o->sets.n, o->out_dir};
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

typedef struct engine {
    ft_model *model;
    ft_session *session;
    int variant;
} engine;

static ft_status engine_open(engine *e, const options *o, ft_kv_type kv, ft_error *err) {
    ft_session_desc desc = {(int)o->threads, (int)o->ctx, kv, 0, 0, 0, false};
    e->model = ft_model_load(o->file, NULL, err);
    e->session = e->model ? ft_session_create(e->model, &desc, err) : NULL;
    if (!e->session) return err->code;
    return ft_session_load_variant(e->session, o->adapters.items, o->adapters.n, &e->variant, err);
}

static void engine_close(engine *e) {
    ft_session_free(e->session);
    ft_model_free(e->model);
}

static int show_text(void *user, int request, const char *bytes, size_t n) {
    (void)request;
    return to_stdout(user, bytes, n) || fflush(stdout) != 0;
}

static int command_generate(const options *o) {
    ft_error err = {0};
    engine e = {0};
    ft_request r = {0};
    ft_generate_hooks hooks = {NULL, NULL, show_text};
    ft_completion c;
    if (!o->input && !o->prompt) return wrong("generate needs", "-p TEXT or -f FILE");
    ft_status status = engine_open(&e, o, FT_KV_F16, &err);
    char *text = o->input && !status ? ft_read_file(o->input, &r.text_len, &err) : NULL;
    if (o->prompt) r.text_len = strlen(o->prompt);
    r.text = o->input ? text : o->prompt;
    r.variant = e.variant;
    r.flags = FT_TOKENIZE_PARSE_SPECIAL;
    r.max_tokens = (int)o->n;
    ft_sampling sampling = {(float)o->temp, (int)o->top_k, (float)o->top_p, (float)o->min_p,
                            (uint64_t)o->seed};
    r.sampling = sampling;
    r.stops = o->stops.items;
    r.n_stops = o->stops.n;
    if (!status && !r.text) status = err.code;
    if (!status) status = ft_session_generate(e.session, &r, 1, &c, &hooks, &err);
    if (!status) ft_completions_free(e.session, &c, 1), putchar('\n');
    free(text);
    engine_close(&e);
    return status ? fail(&err) : 0;
}

static int command_logits(const options *o) {
    ft_error err = {0};
    engine e = {0};
    int n;
    const char *const types[] = {"f16", "f32", "q8_0"}; /* in the order of ft_kv_type */
    int kv = 0;
    if (!o->tokens || !o->out) return wrong("logits needs", "--tokens 1,2,3 and -o FILE");
    while (kv < 3 && strcmp(types[kv], o->kv ? o->kv : "f32") != 0) kv++;
    if (kv == 3) return wrong("--kv is f32, f16 or q8_0, not", o->kv);
    int32_t *ids = ft_read_ids(o->tokens, &n, &err);
    if (!ids) return fail(&err);
    ft_status status = engine_open(&e, o, (ft_kv_type)kv, &err);
    if (!status)
        status = ft_session_write_logits(e.session, e.variant, ids, n, to_stdout, NULL, &err);
    engine_close(&e);
    free(ids);
    return status ? fail(&err) : 0;
}

/* ---- ft tokenize, ft info, ft bench */

static int command_tokenize(const options *o) {
    ft_error err = {0};
    ft_model_desc desc = {{0}, true, false, 0};
    unsigned flags = o->special ? FT_TOKENIZE_PARSE_SPECIAL : FT_TOKENIZE_DEFAULT;
    if (!o->input && !o->prompt) return wrong("tokenize needs", "-p TEXT or -f ROWS.jsonl");
    ft_model *m = ft_model_load(o->file, &desc, &err);
    ft_status status = m ? FT_OK : err.code;
    if (m && o->input)
        status = ft_write_tokens_of_rows(m, o->input, flags, to_stdout, NULL, &err);
    else if (m)
        status = ft_write_tokens(m, o->prompt, strlen(o->prompt), flags, to_stdout, NULL, &err);
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
                "or arguments, 4 the run failed.  FT_ISA=scalar|avx2|avx512|neon|dotprod forces a\n"
                "code path.\n");
    return to == stderr ? 3 : fflush(to) != 0 ? 4 : 0;
}

typedef enum kind { TEXT, WHOLE, SEED, FRACTION, LIST, FLAG } kind;

/* Takes argv[*i], which the command allows, and its value if it has one. */
static bool take_option(options *o, int argc, char **argv, int *i) {
    const struct { const char *name; kind kind; void *to; } rows[] = {
        {"-p", TEXT, &o->prompt}, {"-f", TEXT, &o->input}, {"-o", TEXT, &o->out},
        {"--out", TEXT, &o->out_dir}, {"--tokens", TEXT, &o->tokens}, {"--kv", TEXT, &o->kv},
        {"--tensor", TEXT, &o->tensor}, {"-b", TEXT, &o->batches}, {"--ctx", WHOLE, &o->ctx},
        {"-n", WHOLE, &o->n}, {"-t", WHOLE, &o->threads}, {"--threads", WHOLE, &o->threads},
        {"--top-k", WHOLE, &o->top_k}, {"--seed", SEED, &o->seed}, {"--temp", FRACTION, &o->temp},
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
    if (many->n == MAX_LIST) return false;
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
    return o->file ? 0 : wrong(c->name, c->usage);
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
