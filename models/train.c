/* The command:

       train RECIPE.json SECTION --data DIR --out DIR [--threads N]
       train svg LOG... -o OUT.svg

   Exit codes as ft's: 0, 3 for what the caller can mend, 4 for what the machine refused. */
#include "train.h"

#include <unistd.h>

static const char usage[] = "usage: train RECIPE.json SECTION --data DIR --out DIR [--threads N]\n"
                            "       train svg LOG... -o OUT.svg\n";

static int fail(ft_status status, const ft_error *err) {
    fprintf(stderr, "train: %s%s%s\n", err->where, err->where[0] ? ": " : "", err->message);
    return ft_status_exit_code(status);
}

typedef struct shown {
    double last;
    bool terminal;
} shown;

static int show(void *user, const train_progress *p) {
    shown *s = (shown *)user;
    const double now = ft__seconds(), pause = s->terminal ? 0.5 : 10;
    if (!p->last && now - s->last < pause) return 0;
    s->last = now;
    fprintf(stderr, "%sstep %d/%d  loss %.4f  valid %.4f  %.0f tokens/s  %d:%02d left %s", s->terminal ? "\r" : "",
            p->step, p->steps, p->loss, p->valid, p->tokens_per_s, (int)p->seconds_left / 60,
            (int)p->seconds_left % 60, s->terminal && !p->last ? "" : "\n");
    return 0;
}

static int draw(int argc, char **argv) {
    ft_error err;
    if (argc < 5 || strcmp(argv[argc - 2], "-o") != 0) {
        fputs(usage, stderr);
        return 3;
    }
    ft_status status = train_svg_write((const char *const *)(argv + 2), argc - 4, argv[argc - 1], &err);
    return status ? fail(status, &err) : 0;
}

int main(int argc, char **argv) {
    train_job job;
    shown s = {0, isatty(2) == 1};
    ft_error err;
    if (argc > 1 && strcmp(argv[1], "svg") == 0) return draw(argc, argv);
    memset(&job, 0, sizeof job);
    if (argc > 2) job.recipe = argv[1], job.section = argv[2];
    for (int i = 3; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--data") == 0) job.data_dir = argv[i + 1];
        else if (strcmp(argv[i], "--out") == 0) job.out_dir = argv[i + 1];
        else if (strcmp(argv[i], "--threads") == 0 && atoi(argv[i + 1]) > 0) job.threads = atoi(argv[i + 1]);
        else job.recipe = NULL;
    }
    if (!job.recipe || !job.data_dir || !job.out_dir || argc % 2 == 0) {
        fputs(usage, stderr);
        return 3;
    }
    job.user = &s;
    job.progress = show;
    ft_status status = train_job_run(&job, &err);
    return status ? fail(status, &err) : 0;
}
