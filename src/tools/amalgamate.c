/* amalgamate IN OUT - makes the one header: copies IN and puts every #include "..." in its place, once.
   Pure inlining between begin and end markers; nothing that changes from day to day or place to place. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILES = 256, MAX_PATH = 512, MAX_LINE = 4096 };
static char seen[MAX_FILES][MAX_PATH];
static int n_seen;

static void die(const char *what, const char *path) {
    fprintf(stderr, "amalgamate: %s: %s\n", path, what);
    exit(1);
}

/* "src/io/../base/base.h" -> "src/base/base.h" */
static void normalise(char *path) {
    char *up;
    while ((up = strstr(path, "/../")) != NULL) {
        char *start = up;
        while (start > path && start[-1] != '/') start--;
        memmove(start, up + 4, strlen(up + 4) + 1);
    }
}

static int already(const char *path) {
    for (int i = 0; i < n_seen; i++)
        if (strcmp(seen[i], path) == 0) return 1;
    if (n_seen == MAX_FILES) die("too many files", path);
    snprintf(seen[n_seen++], MAX_PATH, "%s", path);
    return 0;
}

static void inline_file(const char *path, FILE *out, int depth) {
    char line[MAX_LINE], name[MAX_PATH], inner[2 * MAX_PATH];
    FILE *in = fopen(path, "r");
    if (!in) die("cannot be read", path);
    if (depth > 20) die("includes nest too deeply", path);
    while (fgets(line, sizeof line, in)) {
        if (!strchr(line, '\n')) die("a line is too long or does not end", path);
        if (sscanf(line, "#include \"%500[^\"]\"", name) != 1) {
            fputs(line, out);
            continue;
        }
        const char *slash = strrchr(path, '/');
        int folder = slash ? (int)(slash - path) + 1 : 0;
        snprintf(inner, sizeof inner, "%.*s%s", folder, path, name);
        normalise(inner);
        if (already(inner)) continue;
        fprintf(out, "/* ---- begin %s */\n", inner);
        inline_file(inner, out, depth + 1);
        fprintf(out, "/* ---- end %s */\n", inner);
    }
    if (ferror(in)) die("cannot be read", path);
    fclose(in);
}

int main(int argc, char **argv) {
    if (argc != 3) die("usage: amalgamate IN OUT", "arguments");
    FILE *out = fopen(argv[2], "w");
    if (!out) die("cannot be written", argv[2]);
    already(argv[1]);
    inline_file(argv[1], out, 0);
    if (ferror(out) | fclose(out)) die("cannot be written", argv[2]);
    return 0;
}
