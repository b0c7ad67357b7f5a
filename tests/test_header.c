/* The one header as its users get it: compiled by the compilers that are here, as C and C++, in one
   unit and in two, at every optimisation; and what the house promises of ft.h and runner.c.  Runs
   from the repository's root. */
#include "test.h"
#include "tiny.h"

#include <sys/stat.h>

/* A folder of this suite's own with links to the tiny model and adapter. */
static const char *header_path(const char *name) {
    char inside[128];
    mkdir(test_path("header"), 0777);
    snprintf(inside, sizeof inside, "header/%s", name);
    return test_path(inside);
}

static bool header_has(const char *program) {
    char command[96];
    snprintf(command, sizeof command, "command -v %s", program);
    return test_run(command, NULL) == 0;
}

/* The programs of a list that are here; the others are named.  Returns how many. */
static int header_present(const char *const *programs, int n, bool *here) {
    int found = 0;
    for (int i = 0; i < n; i++) {
        here[i] = header_has(programs[i]);
        found += here[i];
        if (!here[i]) test_note("no %s here", programs[i]);
    }
    return found;
}

/* Runs a command that must end with `code`; shows what it printed if it does not. */
static bool header_run(const char *command, int code, const char *needle) {
    char *out = NULL;
    int got = test_run(command, &out);
    bool ok = got == code && (!needle || (out && strstr(out, needle)));
    if (!ok)
        test_note("%s\n    ends with %d, expected %d%s%s:\n%.1500s", command, got, code,
                  needle ? " and " : "", needle ? needle : "", out ? out : "");
    CHECK(ok && "the command ends as it should");
    free(out);
    return ok;
}

/* ---- warnings */

enum { N_COMPILERS = 4 };
static const char *const header_compilers[N_COMPILERS] = {"gcc", "g++", "clang", "clang++"};
static bool header_is_cpp(int compiler) { return compiler % 2 == 1; }

TEST(header, compiles_without_warnings) {
    static const char *const c[] = {"-std=c99 -pedantic", "-std=c11"}, *const cpp[] = {
                                                                           "-std=c++17"};
    bool here[N_COMPILERS];
    if (!header_present(header_compilers, N_COMPILERS, here)) SKIP("no compiler here");
    for (int i = 0; i < N_COMPILERS; i++) {
        const char *const *standards = header_is_cpp(i) ? cpp : c;
        int n = header_is_cpp(i) ? 1 : 2;
        for (int k = 0; k < n && here[i]; k++) {
            char command[512];
            snprintf(command, sizeof command,
                     "%s %s -Wall -Wextra -Wshadow -Werror -fsyntax-only -I. -x %s "
                     "tests/compile/impl.c tests/compile/user.c",
                     header_compilers[i], standards[k], header_is_cpp(i) ? "c++" : "c");
            header_run(command, 0, NULL);
        }
    }
}

TEST(header, refuses_fast_math) {
    for (int i = 0; i < N_COMPILERS; i += 2)
        if (header_has(header_compilers[i])) {
            char command[256];
            snprintf(command, sizeof command,
                     "%s -ffast-math -fsyntax-only -I. tests/compile/impl.c; "
                     "[ $? -ne 0 ]",
                     header_compilers[i]);
            header_run(command, 0, "-ffast-math breaks that");
        }
}

TEST(header, in_strict_c99_comes_before_system_headers) {
    if (!header_has("gcc")) SKIP("no gcc here");
    header_run("gcc -std=gnu99 -fsyntax-only -I. tests/compile/late.c", 0, NULL);
    header_run("case $(uname) in Linux) ! gcc -std=c99 -fsyntax-only -I. tests/compile/late.c;; "
               "*) echo include ft.h before;; esac",
               0, "include ft.h before");
}

/* ---- two units */

static void header_write_tiny(uint32_t type, const char *name) {
    tiny_model m;
    memset(&m, 0, sizeof m);
    m.seed = 3;
    m.type = type;
    tiny_write_model(header_path(name), &m);
}

static void header_write_adapter(void) {
    tiny_model m;
    tiny_adapter a;
    memset(&m, 0, sizeof m);
    memset(&a, 0, sizeof a);
    m.seed = a.seed = 3;
    a.amplitude = 1;
    tiny_write_adapter(header_path("adapter.gguf"), &m, &a);
}

/* The implementation as C under a C and a C++ caller, and as C++; C is linked without -lm. */
TEST(header, links_in_two_units) {
    bool here[N_COMPILERS];
    if (!header_present(header_compilers, N_COMPILERS, here)) SKIP("no compiler here");
    header_write_tiny(FT__FORMAT_F32, "tiny.gguf");
    for (int i = 0; i < N_COMPILERS; i += 2) {
        const char *cc = header_compilers[i], *cxx = header_compilers[i + 1];
        const char *flags = "-O0 -Wall -Wextra -Werror -I.", *d = test_path("header");
        char command[2048];
        if (!here[i]) continue;
        snprintf(command, sizeof command,
                 "set -e; %s -std=c99 %s -c -o %s/c.o tests/compile/impl.c\n"
                 "%s -std=c99 %s -o %s/c tests/compile/user.c %s/c.o -lpthread; %s/c",
                 cc, flags, d, cc, flags, d, d, d);
        if (!header_run(command, 0, "ft " FT_VERSION) || !here[i + 1]) continue;
        snprintf(command, sizeof command,
                 "set -e; %s -std=c++17 %s -c -o %s/u.o tests/compile/user.cpp\n"
                 "%s -std=c++17 %s -c -o %s/cpp.o -x c++ tests/compile/impl.c\n"
                 "for impl in c cpp; do\n"
                 "  %s -o %s/u %s/u.o %s/$impl.o -lpthread; %s/u %s/tiny.gguf\n"
                 "done",
                 cxx, flags, d, cxx, flags, d, cxx, d, d, d, d, d);
        header_run(command, 0, NULL);
    }
}

/* ---- the same bits from every build */

typedef struct header_build {
    const char *name, *compiler, *flags;
} header_build;

/* The rows of one half are built one after the other, the halves at the same time.  Without a
   strict -std, gcc would fuse products and sums; -march=native gives it the instruction to do so.
 */
static const header_build header_builds[] = {
    {"gcc-O0", "gcc", "-O0"},
    {"gcc-O2", "gcc", "-std=c99 -O2"},
    {"gcc-O3", "gcc", "-O3 -march=native"},
    {"clang-O3", "clang", "-O3 -march=native"},
    {"g++-O2", "g++", "-std=c++17 -O2 -march=native -x c++"},
};
enum { N_BUILDS = FT__COUNT(header_builds), HALF = 3 };

/* ft.h without evaluators and release gate, whose numbers come from the compiler's plain doubles: five builds of
   all of it would take minutes. */
static void header_write_engine(void) {
    char command[1024];
    snprintf(command, sizeof command,
             "mkdir -p %s/engine && awk '/^.. ---- begin src.(eval|release)..*[.]c/ && !name { name = $4 }\n"
             "!name { print }\n/^.. ---- end / && $4 == name { name = \"\" }' ft.h > %s/engine/ft.h",
             test_path("header"), test_path("header"));
    header_run(command, 0, NULL);
}

static void header_compile(bool here[N_BUILDS]) {
    ft__buf script;
    ft__buf_init(&script, NULL);
    header_write_engine();
    for (int i = 0; i < N_BUILDS; i++) {
        const header_build *b = &header_builds[i];
        if (i == 0 || i == HALF) ft__buf_text(&script, "(set -e; :\n");
        here[i] = header_has(b->compiler);
        if (here[i])
            ft__buf_printf(&script,
                           "%s %s -Wall -Wextra -Werror -I%s/engine -o %s "
                           "tests/compile/digest.c -lpthread\n",
                           b->compiler, b->flags, test_path("header"), header_path(b->name));
        else
            test_note("no %s here", b->compiler);
        if (i == HALF - 1) ft__buf_text(&script, ") & first=$!\n");
    }
    ft__buf_text(&script, ")\nsecond=$?; wait $first && [ $second -eq 0 ]\n");
    header_run(script.data, 0, NULL);
    ft__buf_free(&script);
}

/* What the program prints for a model, free() it. */
static char *header_digest(int build, const char *isa, const char *model) {
    char command[1024], *out = NULL;
    snprintf(command, sizeof command, "%s %s %s %s", isa, header_path(header_builds[build].name),
             header_path(model), header_path("adapter.gguf"));
    int code = test_run(command, &out);
    if (code != 0) test_note("%s: ends with %d: %s", command, code, out ? out : "");
    CHECK_INT(code, 0);
    return out;
}

static void header_same_digests(const bool *here, const char *model) {
    static const char *const isas[] = {"", "FT_ISA=scalar"};
    char *first = NULL;
    for (int i = 0; i < N_BUILDS; i++)
        for (int k = 0; k < 2 && here[i]; k++) {
            char *digest = header_digest(i, isas[k], model);
            if (first && !CHECK_TEXT(digest, first))
                test_note("that is %s %s on %s", header_builds[i].name, isas[k], model);
            if (first)
                free(digest);
            else
                first = digest;
        }
    CHECK(first && strlen(first) == 17);
    free(first);
}

/* ft needs no libm: every function that <math.h> declares stands for itself in this list, with its
   float twin. */
static void header_no_libm(int build) {
    char command[768], *out = NULL;
    snprintf(command, sizeof command,
             "nm -u %s | sed 's/@.*//' | grep -E -w "
             "'(a?(sin|cos|tan)h?|atan2|exp|exp2|expm1|log|log2|log10|log1p|pow|sqrt|cbrt|hypot|fma"
             "|floor|ceil|round|trunc|rint|nearbyint|lrint|lround|fmod|remainder|frexp|ldexp|modf"
             "|scalbn|ilogb|logb|erf|tgamma|lgamma|fabs|fmax|fmin|fdim|copysign|nextafter)f?'",
             header_path(header_builds[build].name));
    int code = test_run(command, &out);
    if (code != 1) test_note("%s refers to: %s", header_builds[build].name, out ? out : "");
    CHECK_INT(code, 1); /* grep found nothing */
    free(out);
}

TEST(header, same_bits_from_every_build) {
    bool here[N_BUILDS];
    bool has_nm = header_has("nm");
    header_write_adapter();
    header_write_tiny(FT__FORMAT_F32, "f32.gguf");
    header_write_tiny(FT__FORMAT_Q8_0, "q8_0.gguf");
    header_write_tiny(FT__FORMAT_Q4_0, "q4_0.gguf");
    header_compile(here);
    header_same_digests(here, "f32.gguf");
    header_same_digests(here, "q8_0.gguf");
    header_same_digests(here, "q4_0.gguf");
    if (!has_nm) test_note("no nm here: libm not looked for");
    for (int i = 0; i < N_BUILDS && has_nm; i++)
        if (here[i]) header_no_libm(i);
}

/* ---- ft.h and runner.c */

TEST(header, is_what_src_makes) {
    const char *tool = header_path("amalgamate"), *made = header_path("made.h");
    char command[1024];
    snprintf(command, sizeof command, "cc -o %s src/tools/amalgamate.c && %s src/ft.h %s", tool,
             tool, made);
    if (!header_run(command, 0, NULL)) return;
    snprintf(command, sizeof command, "cmp ft.h %s || { echo 'run: make ft.h'; exit 1; }", made);
    header_run(command, 0, NULL);
}

/* The manual's complete program stands in a comment; here it is compiled and run as it is. */
TEST(header, manual_shows_a_program_that_works) {
    char *text = test_read("src/ft.h", NULL), command[1024];
    char *start = text ? strstr(text, "A COMPLETE PROGRAM\n") : NULL;
    char *end = start ? strstr(start, "WHAT IT DOES NOT DO") : NULL;
    if (CHECK(start && end)) {
        const char *file = header_path("program.c"), *program = header_path("program");
        start = strchr(start, '\n');
        test_write(file, start, (size_t)(end - start));
        snprintf(command, sizeof command, "cc -I. -o %s %s -lpthread && %s no-such-job.json",
                 program, file, program);
        header_run(command, 3, "no-such-job.json: cannot open");
    }
    free(text);
}

TEST(header, runner_keeps_its_size) {
    char *text = test_read("runner.c", NULL);
    int n_lines = 0, longest = 0;
    if (!CHECK(text != NULL)) return;
    for (const char *p = text; *p; p += strcspn(p, "\n") + 1) {
        int n = (int)strcspn(p, "\n");
        if (n > longest) longest = n;
        n_lines++;
        if (!p[n]) break;
    }
    if (n_lines > 300 || longest > 100)
        test_note("runner.c: %d lines, longest %d", n_lines, longest);
    CHECK(n_lines <= 300 && longest <= 100);
    CHECK(strstr(text, "src/") == NULL && strstr(text, "ft__") == NULL); /* the public face alone */
    free(text);
}
