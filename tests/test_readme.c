/* README.md keeps its word: its ```sh blocks run in a copy of the tree, its ```c blocks compile
   next to ft.h, its ```json blocks are JSON.  Runs from the repository's root. */
#include "test.h"

#include "../src/io/json.h"

#include <sys/stat.h>
#include <unistd.h>

/* The copy; ../shared is a link beside it, where there is one. */
static const char *readme_copy(void) {
    static bool made;
    const char *shared = test_shared("."), *copy = test_path("readme/tree");
    char here[1024], command[4096];
    if (made) return copy;
    if (!getcwd(here, sizeof here)) abort();
    snprintf(command, sizeof command,
             "set -e; mkdir -p %s %s/shared\n"
             "for f in * .gitignore .clang-format; do\n"
             "  case $f in build) ;; *) if [ -e $f ]; then cp -Rp $f %s/; fi;; esac\n"
             "done",
             copy, test_path("readme"), copy);
    CHECK_INT(test_run(command, NULL), 0);
    if (shared) {
        bool absolute = shared[0] == '/';
        snprintf(command, sizeof command, "ln -s \"%s%s%s\" %s/data", absolute ? "" : here,
                 absolute ? "" : "/", shared, test_path("readme/shared"));
        CHECK_INT(test_run(command, NULL), 0);
    }
    made = true;
    return test_path("readme/tree");
}

/* The next block that begins with ```LANGUAGE at or after *at, which moves past it; free() it.
 *line is its first line's number. */
static char *readme_block(const char *text, const char **at, const char *language, int *line) {
    char fence[16];
    size_t n_fence = (size_t)snprintf(fence, sizeof fence, "```%s\n", language);
    for (const char *p = *at; (p = strstr(p, fence)) != NULL; p += n_fence) {
        if (p > text && p[-1] != '\n') continue;
        const char *start = p + n_fence, *end = strstr(start, "\n```");
        if (!end) break;
        size_t n = (size_t)(end + 1 - start);
        char *block = (char *)malloc(n + 1);
        memcpy(block, start, n);
        block[n] = 0;
        *at = end + 4;
        *line = 1;
        for (const char *c = text; c < start; c++) *line += *c == '\n';
        return block;
    }
    return NULL;
}

/* A command of one line is not run if it would run this test again, or leaves the machine. */
static bool readme_left_out(const char *command) {
    static const char *const never[] = {"make test", "git clone", "sudo ", "apt"};
    for (size_t i = 0; i < FT__COUNT(never); i++)
        if (strncmp(command, never[i], strlen(never[i])) == 0) return true;
    return false;
}

/* Adds a command to the script: it must end with 0, or as a comment "# exits with N" says. */
static void readme_add(ft__buf *script, const char *command, int line) {
    static const char note[] = "# exits with ", prefix[] = "PREFIX=";
    const char *says = strstr(command, note), *install = strstr(command, prefix);
    int code = says ? atoi(says + sizeof note - 1) : 0;
    if (readme_left_out(command) || command[0] == '#' || command[0] == 0) return;
    if (strncmp(command, "make install", 12) == 0) {
        const char *rest = install ? install + strcspn(install, " \t") : command + 12;
        int head = (int)(install ? install - command : 12);
        ft__buf_printf(script, "%.*s PREFIX=%s %s", head, command, test_path("readme/prefix"),
                       rest);
    } else {
        ft__buf_text(script, command);
    }
    ft__buf_printf(script,
                   "\ncode=$?; if [ $code -ne %d ]; then echo \"README.md:%d: ends with $code, "
                   "expected %d\"; exit 1; fi\n",
                   code, line, code);
}

/* Lines that end with a backslash go on in the next. */
static void readme_script(ft__buf *script, char *block, int line) {
    ft__buf command;
    ft__buf_init(&command, NULL);
    for (char *p = block; *p; line++) {
        size_t n = strcspn(p, "\n");
        bool goes_on = n > 0 && p[n - 1] == '\\';
        ft__buf_add(&command, p, goes_on ? n - 1 : n);
        p += n + (p[n] == '\n');
        if (goes_on && *p) continue;
        ft__buf_byte(&command, 0);
        readme_add(script, command.data, line);
        command.len = 0;
    }
    ft__buf_free(&command);
}

/* What the block printed holds the digest that the text shows, if it compares. */
static void readme_check_digest(const char *text, const char *block, const char *out) {
    char digest[73];
    const char *at = strstr(text, "\ndigest  ");
    if (!strstr(block, "make demo") || !CHECK(at != NULL)) return;
    snprintf(digest, sizeof digest, "%.72s", at + 1);
    CHECK(out && strstr(out, digest));
}

/* The environment of the `make` that runs the tests is not that of a reader. */
static void readme_run(const char *text, char *block, int line) {
    char *out = NULL;
    ft__buf script;
    ft__buf_init(&script, NULL);
    ft__buf_printf(&script,
                   "unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES BUILD SAN ONLY FT_BUILD "
                   "FT_SHARED SHARED\ncd %s || exit 1\n",
                   readme_copy());
    readme_script(&script, block, line);
    int code = test_run(script.data, &out);
    size_t n = out ? strlen(out) : 0;
    if (code != 0) test_note("README.md:%d: %s", line, n > 1500 ? out + n - 1500 : out);
    CHECK_INT(code, 0);
    readme_check_digest(text, block, out);
    free(out);
    ft__buf_free(&script);
}

TEST(readme, commands_run) {
    int line, n = 0;
    char *text = test_read("README.md", NULL), *block;
    if (!text) SKIP("no README.md");
    const char *at = text;
    while ((block = readme_block(text, &at, "sh", &line)) != NULL) {
        n++;
        if (strstr(block, "../shared") && !test_shared("."))
            test_note("line %d: no ../shared", line);
        else
            readme_run(text, block, line);
        free(block);
    }
    CHECK(n > 0);
    free(text);
}

TEST(readme, programs_compile) {
    int line, n = 0;
    char *text = test_read("README.md", NULL), *block, *out = NULL, command[512];
    if (!text) SKIP("no README.md");
    const char *at = text;
    while ((block = readme_block(text, &at, "c", &line)) != NULL) {
        n++;
        const char *folder = readme_copy();
        ft__buf path;
        ft__buf_init(&path, NULL);
        ft__buf_printf(&path, "%s/example.c", folder);
        test_write(path.data, block, strlen(block));
        snprintf(command, sizeof command, "cd %s && cc -Wall -Wextra -Werror example.c -lpthread",
                 folder);
        int code = test_run(command, &out);
        if (code != 0) test_note("README.md:%d: %.1500s", line, out);
        CHECK_INT(code, 0);
        ft__buf_free(&path);
        free(out);
        free(block);
    }
    CHECK(n > 0);
    free(text);
}

TEST(readme, json_is_json) {
    int line;
    ft_error err;
    ft__arena arena;
    ft__json *value;
    char *text = test_read("README.md", NULL), *block;
    if (!text) SKIP("no README.md");
    const char *at = text;
    ft__arena_init(&arena, NULL);
    while ((block = readme_block(text, &at, "json", &line)) != NULL) {
        CHECK_OK(
            ft__json_parse(block, strlen(block), "README.md", (uint32_t)line, &arena, &value, &err),
            err);
        free(block);
    }
    ft__arena_free(&arena);
    free(text);
}

/* The test of the test: a wrong exit code is seen, the right one and a replaced PREFIX are not. */
TEST(readme, a_wrong_command_is_noticed) {
    char block[] =
        "true\n# a comment\nfalse # exits with 1\nmake test\necho a \\\n  b\nexit_code=3; "
        "(exit 4)\n";
    char *out = NULL;
    ft__buf script;
    ft__buf_init(&script, NULL);
    readme_script(&script, block, 10);
    CHECK(strstr(script.data, "make test") == NULL);
    CHECK_INT(test_run(script.data, &out), 1);
    CHECK_TEXT(out, "a b\nREADME.md:16: ends with 4, expected 0\n");
    script.len = 0;
    readme_add(&script, "make install PREFIX=/usr/local DESTDIR=", 1);
    CHECK(strncmp(script.data, "make install  PREFIX=/tmp/ft-test-", 34) == 0);
    CHECK(strstr(script.data, "/usr/local") == NULL && strstr(script.data, " DESTDIR=") != NULL);
    free(out);
    ft__buf_free(&script);
}

TEST(readme, names_every_evaluator) {
    char *text = test_read("README.md", NULL);
    for (int i = 0; text && i < ft_evaluator_count(); i++) {
        char name[80];
        snprintf(name, sizeof name, "`%s`", ft_evaluator_at(i)->name);
        if (!CHECK(strstr(text, name) != NULL)) test_note("README.md does not name %s", name);
    }
    free(text);
}
