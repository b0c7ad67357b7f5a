/* The test harness: a test is a function that registers itself; a check that fails says where and the
   run goes on.  Tests see the private functions of the rooms, which are linked as separate objects. */
#ifndef FT_TEST_H
#define FT_TEST_H

#include "../src/base/base.h"

/* TEST(json, reads_numbers) { CHECK(...); }  -  the suite is the room's name. */
#define TEST(suite, name)                                                                      \
    static void test_##suite##_##name(void);                                                   \
    __attribute__((constructor)) static void register_##suite##_##name(void) {                 \
        test_register(#suite, #name, test_##suite##_##name);                                   \
    }                                                                                          \
    static void test_##suite##_##name(void)

#define CHECK(condition) test_check((condition), #condition, __FILE__, __LINE__)
/* Integers, with both values printed on failure. */
#define CHECK_INT(got, expected)                                                               \
    test_check_int((long long)(got), (long long)(expected), #got, __FILE__, __LINE__)
#define CHECK_TEXT(got, expected) test_check_text((got), (expected), #got, __FILE__, __LINE__)
/* |got - expected| <= tolerance */
#define CHECK_NEAR(got, expected, tolerance)                                                   \
    test_check_near((got), (expected), (tolerance), #got, __FILE__, __LINE__)
/* FT_OK, else the error's text is printed. */
#define CHECK_OK(status, err) test_check_ok((status), &(err), #status, __FILE__, __LINE__)
/* The status, and that the error's "where: message" contains `needle` (NULL: anything). */
#define CHECK_ERROR(status, expected, err, needle)                                             \
    test_check_error((status), (expected), &(err), (needle), #status, __FILE__, __LINE__)
/* Leaves the test and counts it as skipped. */
#define SKIP(reason)                                                                           \
    do {                                                                                       \
        test_skip(reason);                                                                     \
        return;                                                                                \
    } while (0)

void test_register(const char *suite, const char *name, void (*fn)(void));
bool test_check(bool ok, const char *what, const char *file, int line);
bool test_check_int(long long got, long long expected, const char *what, const char *file, int line);
bool test_check_text(const char *got, const char *expected, const char *what, const char *file,
                     int line);
bool test_check_near(double got, double expected, double tolerance, const char *what,
                     const char *file, int line);
bool test_check_ok(ft_status status, const ft_error *err, const char *what, const char *file, int line);
bool test_check_error(ft_status status, ft_status expected, const ft_error *err, const char *needle,
                      const char *what, const char *file, int line);
void test_skip(const char *reason);
/* Prints a line of information under the test (figures, totals). */
void test_note(const char *fmt, ...) FT__PRINTF(1, 2);

/* A folder of this run's own, removed at the end, and a path in it (static, 8 in rotation). */
const char *test_path(const char *name);
/* A path in the shared reference data, or NULL if that folder is not there: SKIP("no ../shared"). */
const char *test_shared(const char *name);
void test_write(const char *path, const void *bytes, size_t n);
/* The whole file and a NUL; free() it.  NULL if it cannot be read. */
char *test_read(const char *path, size_t *n);
/* Runs a shell command; returns its exit code and, if `out` is given, what it printed on both
   streams (free() it). */
int test_run(const char *command, char **out);

/* An allocator that counts what is live and fails its n-th request (0 = never). */
typedef struct test_memory {
    long live, requests, fail_at;
} test_memory;
ft_allocator test_allocator(test_memory *memory);

#endif
