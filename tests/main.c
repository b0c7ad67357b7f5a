/* Runs the registered tests: all, or those whose "suite" or "suite/name" begins with an argument. */
#include "test.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct test_case {
    const char *suite, *name;
    void (*fn)(void);
} test_case;

static test_case cases[4096];
static int n_cases;
static int failures_here; /* in the running test */
static const char *skipped_because;
static char folder[64];
static bool at_line_start = true;

void test_register(const char *suite, const char *name, void (*fn)(void)) {
    if (n_cases == (int)FT__COUNT(cases)) abort();
    cases[n_cases].suite = suite;
    cases[n_cases].name = name;
    cases[n_cases].fn = fn;
    n_cases++;
}

static void complain(const char *file, int line) {
    if (!at_line_start) printf("\n");
    at_line_start = true;
    failures_here++;
    printf("    %s:%d: ", file, line);
}

bool test_check(bool ok, const char *what, const char *file, int line) {
    if (!ok) {
        complain(file, line);
        printf("%s\n", what);
    }
    return ok;
}

bool test_check_int(long long got, long long expected, const char *what, const char *file, int line) {
    if (got != expected) {
        complain(file, line);
        printf("%s is %lld, expected %lld\n", what, got, expected);
    }
    return got == expected;
}

bool test_check_text(const char *got, const char *expected, const char *what, const char *file,
                     int line) {
    bool ok = got && expected && strcmp(got, expected) == 0;
    if (!ok) {
        complain(file, line);
        printf("%s is \"%s\", expected \"%s\"\n", what, got ? got : "(null)",
               expected ? expected : "(null)");
    }
    return ok;
}

bool test_check_near(double got, double expected, double tolerance, const char *what,
                     const char *file, int line) {
    double distance = got - expected;
    bool ok = (distance < 0 ? -distance : distance) <= tolerance;
    if (!ok) {
        complain(file, line);
        printf("%s is %.17g, expected %.17g within %g\n", what, got, expected, tolerance);
    }
    return ok;
}

bool test_check_ok(ft_status status, const ft_error *err, const char *what, const char *file,
                   int line) {
    if (status != FT_OK) {
        complain(file, line);
        printf("%s: %s: %s: %s\n", what, ft_status_name(status), err->where, err->message);
    }
    return status == FT_OK;
}

bool test_check_error(ft_status status, ft_status expected, const ft_error *err, const char *needle,
                      const char *what, const char *file, int line) {
    char text[sizeof err->where + sizeof err->message + 4];
    snprintf(text, sizeof text, "%s: %s", err->where, err->message);
    bool ok = status == expected && err->code == expected &&
              (!needle || strstr(text, needle) != NULL);
    if (!ok) {
        complain(file, line);
        printf("%s: got %s \"%s\", expected %s with \"%s\"\n", what, ft_status_name(status), text,
               ft_status_name(expected), needle ? needle : "");
    }
    return ok;
}

void test_skip(const char *reason) { skipped_because = reason; }

void test_note(const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    if (!at_line_start) printf("\n");
    at_line_start = true;
    printf("    ");
    vprintf(fmt, args);
    printf("\n");
    va_end(args);
}

const char *test_path(const char *name) {
    static char paths[8][512];
    static int turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

const char *test_shared(const char *name) {
    static char paths[8][512];
    static int turn;
    const char *root = getenv("FT_SHARED");
    char *path = paths[turn++ % 8];
    struct stat st;
    snprintf(path, sizeof paths[0], "%s/%s", root ? root : "../shared/data", name);
    return stat(path, &st) == 0 ? path : NULL;
}

void test_write(const char *path, const void *bytes, size_t n) {
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0) {
        fprintf(stderr, "cannot write %s\n", path);
        exit(1);
    }
}

char *test_read(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    size_t cap = 1 << 16, len = 0, got;
    char *data = (char *)malloc(cap + 1);
    while ((got = fread(data + len, 1, cap - len, f)) > 0) {
        len += got;
        if (len == cap) data = (char *)realloc(data, (cap *= 2) + 1);
    }
    fclose(f);
    data[len] = 0;
    if (n) *n = len;
    return data;
}

int test_run(const char *command, char **out) {
    const char *log = test_path("command.out");
    ft__buf line;
    ft__buf_init(&line, NULL);
    ft__buf_printf(&line, "( %s\n) >%s 2>&1 </dev/null", command, log);
    fflush(stdout);
    int status = system(line.data);
    ft__buf_free(&line);
    if (out) *out = test_read(log, NULL);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void *counting_alloc(void *user, size_t size) {
    test_memory *m = (test_memory *)user;
    long request = __atomic_add_fetch(&m->requests, 1, __ATOMIC_RELAXED);
    if (m->fail_at && request >= m->fail_at) return NULL;
    __atomic_add_fetch(&m->live, 1, __ATOMIC_RELAXED);
    return malloc(size);
}

static void *counting_resize(void *user, void *memory, size_t size) {
    test_memory *m = (test_memory *)user;
    if (!memory) return counting_alloc(user, size);
    long request = __atomic_add_fetch(&m->requests, 1, __ATOMIC_RELAXED);
    return m->fail_at && request >= m->fail_at ? NULL : realloc(memory, size);
}

static void counting_release(void *user, void *memory) {
    if (memory) __atomic_sub_fetch(&((test_memory *)user)->live, 1, __ATOMIC_RELAXED);
    free(memory);
}

ft_allocator test_allocator(test_memory *memory) {
    ft_allocator a = {memory, counting_alloc, counting_resize, counting_release};
    return a;
}

static int by_suite(const void *a, const void *b) {
    const test_case *x = (const test_case *)a, *y = (const test_case *)b;
    int order = strcmp(x->suite, y->suite);
    return order ? order : strcmp(x->name, y->name);
}

static bool selected(const test_case *t, int argc, char **argv) {
    char full[256];
    snprintf(full, sizeof full, "%s/%s", t->suite, t->name);
    for (int i = 1; i < argc; i++)
        if (strncmp(full, argv[i], strlen(argv[i])) == 0) return true;
    return argc < 2;
}

int main(int argc, char **argv) {
    int passed = 0, failed = 0, skipped = 0;
    snprintf(folder, sizeof folder, "/tmp/ft-test-XXXXXX");
    if (!mkdtemp(folder)) return 1;
    qsort(cases, (size_t)n_cases, sizeof cases[0], by_suite);
    for (int i = 0; i < n_cases; i++) {
        if (!selected(&cases[i], argc, argv)) continue;
        printf("%s/%s", cases[i].suite, cases[i].name);
        fflush(stdout);
        at_line_start = false;
        failures_here = 0;
        skipped_because = NULL;
        double start = ft__seconds();
        cases[i].fn();
        double took = ft__seconds() - start;
        if (at_line_start) printf("    ...");
        if (failures_here) failed++, printf(" FAILED");
        else if (skipped_because) skipped++, printf(" skipped: %s", skipped_because);
        else passed++, printf(" ok");
        if (took > 0.5) printf(" (%.1f s)", took);
        printf("\n");
    }
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0) failed++;
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed || passed == 0;
}
