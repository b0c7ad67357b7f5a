/* The pool: every part once, whatever the number of threads; sleep when idle; failure to start. */
#include "test.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static ft__pool *pool_of(int n_threads) {
    ft_allocator a = ft__allocator(NULL);
    ft_error err = {FT_OK, "", ""};
    ft__pool *pool = ft__pool_create(n_threads, &a, &err);
    if (!CHECK(pool != NULL)) test_note("%d threads: %s", n_threads, err.message);
    return pool;
}

/* What the parts write is read by the caller without a lock: the run's end must order the two. */
typedef struct counted {
    int counts[5000];
    int n_parts, outside;
} counted;

static void count_part(void *user, int part) {
    counted *c = (counted *)user;
    if (part >= 0 && part < c->n_parts) c->counts[part]++;
    else __atomic_add_fetch(&c->outside, 1, __ATOMIC_RELAXED);
}

static bool each_once(ft__pool *pool, counted *c, int n_parts) {
    memset(c, 0, sizeof *c);
    c->n_parts = n_parts;
    ft__pool_run(pool, count_part, c, n_parts);
    bool ok = c->outside == 0;
    for (int i = 0; i < (int)FT__COUNT(c->counts); i++) ok = ok && c->counts[i] == (i < n_parts);
    return ok;
}

TEST(thread, every_part_once) {
    static const int sizes[] = {0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 64, 100, 257, 1000, 5000};
    counted *c = (counted *)malloc(sizeof *c);
    for (int n_threads = 1; n_threads <= 8; n_threads++) {
        ft__pool *pool = pool_of(n_threads);
        if (!pool) continue;
        CHECK_INT(ft__pool_size(pool), n_threads);
        for (int round = 0; round < 5; round++)
            for (size_t i = 0; i < FT__COUNT(sizes); i++)
                if (!CHECK(each_once(pool, c, sizes[i])))
                    test_note("%d threads, %d parts", n_threads, sizes[i]);
        ft__pool_free(pool);
    }
    free(c);
}

typedef struct meeting {
    int arrived;
    bool together;
} meeting;

static void meet(void *user, int part) {
    meeting *m = (meeting *)user;
    double start = ft__seconds();
    (void)part;
    __atomic_add_fetch(&m->arrived, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&m->arrived, __ATOMIC_SEQ_CST) < 4)
        if (ft__seconds() - start > 10) {
            __atomic_store_n(&m->together, false, __ATOMIC_SEQ_CST);
            return;
        }
}

typedef struct sums {
    uint64_t seen[8]; /* more than there are parts: none of them may get a sum */
    uint64_t job;
} sums;

static void add_job(void *user, int part) {
    sums *s = (sums *)user;
    for (volatile int i = 0; i < 200; i++) {} /* long enough for others to come */
    if (part >= 0 && part < 8) s->seen[part] += s->job;
}

/* One job right after the other: a worker that comes late to one must not take a part of it, nor of
   the next with the former's data. */
TEST(thread, many_small_jobs) {
    ft__pool *pool = pool_of(4);
    if (!pool) return;
    meeting m = {0, true};
    ft__pool_run(pool, meet, &m, 4); /* all are awake */
    sums even, odd;
    memset(&even, 0, sizeof even);
    memset(&odd, 0, sizeof odd);
    for (uint64_t i = 0; i < 20000; i++) {
        sums *s = i % 2 ? &odd : &even;
        s->job = i;
        ft__pool_run(pool, add_job, s, (int)(i % 3) + 2);
    }
    ft__pool_free(pool);
    uint64_t expected[2][8] = {{0}};
    for (uint64_t i = 0; i < 20000; i++)
        for (uint64_t part = 0; part < i % 3 + 2; part++) expected[i % 2][part] += i;
    for (int part = 0; part < 8; part++) {
        CHECK_INT(even.seen[part], expected[0][part]);
        CHECK_INT(odd.seen[part], expected[1][part]);
    }
}

/* Four parts that wait for each other end only if four threads work. */
TEST(thread, all_threads_work_also_after_sleep) {
    struct timespec nap = {0, 30 * 1000 * 1000};
    ft__pool *pool = pool_of(4);
    if (!pool) return;
    for (int round = 0; round < 3; round++) {
        meeting m = {0, true};
        ft__pool_run(pool, meet, &m, 4);
        CHECK(m.together);
        nanosleep(&nap, NULL); /* by now the workers sleep */
    }
    ft__pool_free(pool);
}

static void *host(void *argument) {
    bool *ok = (bool *)argument;
    counted *c = (counted *)malloc(sizeof *c);
    ft__pool *pool = pool_of(3);
    *ok = pool != NULL;
    for (int i = 0; i < 300 && *ok; i++) *ok = each_once(pool, c, i % 40);
    ft__pool_free(pool);
    free(c);
    return NULL;
}

TEST(thread, two_pools_at_once) {
    pthread_t other;
    bool ok[2] = {false, false};
    if (!CHECK(pthread_create(&other, NULL, host, &ok[1]) == 0)) return;
    host(&ok[0]);
    pthread_join(other, NULL);
    CHECK(ok[0] && ok[1]);
}

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

TEST(thread, an_idle_pool_costs_nothing) {
    struct timespec settle = {0, 50 * 1000 * 1000}, idle = {0, 200 * 1000 * 1000};
    counted *c = (counted *)malloc(sizeof *c);
    ft__pool *pool = pool_of(8);
    if (pool) {
        CHECK(each_once(pool, c, 100));
        nanosleep(&settle, NULL);
        double start = cpu_seconds();
        nanosleep(&idle, NULL);
        double used = cpu_seconds() - start;
        if (!CHECK(used < 0.05)) test_note("%.3f s of processor time", used);
        CHECK(each_once(pool, c, 100));
    }
    ft__pool_free(pool);
    free(c);
}

/* Made and freed without work, asleep or just starting. */
TEST(thread, create_and_free) {
    for (int i = 0; i < 50; i++) ft__pool_free(pool_of(1 + i % 8));
    ft__pool_free(NULL);
}

TEST(thread, impossible_numbers) {
    static const int numbers[] = {0, -1, 257, INT_MAX, INT_MIN};
    ft_allocator a = ft__allocator(NULL);
    for (size_t i = 0; i < FT__COUNT(numbers); i++) {
        ft_error err = {FT_OK, "", ""};
        CHECK(ft__pool_create(numbers[i], &a, &err) == NULL);
        CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, "expected 1 to 256");
        CHECK(ft__pool_create(numbers[i], &a, NULL) == NULL);
    }
}

TEST(thread, without_memory) {
    test_memory memory = {0, 0, 1};
    ft_allocator a = test_allocator(&memory);
    ft_error err = {FT_OK, "", ""};
    CHECK(ft__pool_create(4, &a, &err) == NULL);
    CHECK_ERROR(err.code, FT_ERR_MEMORY, err, NULL);
    memory.fail_at = 0;
    ft__pool *pool = ft__pool_create(4, &a, &err);
    CHECK(pool != NULL);
    ft__pool_free(pool);
    CHECK(memory.live == 0);
}

enum { CHILD_SKIPPED = 77 };

/* In a process of its own, which may have only a few threads.  The limit does not bind root. */
static int start_too_many(void) {
#ifdef RLIMIT_NPROC
    struct rlimit limit = {4, 4};
    test_memory memory = {0, 0, 0};
    ft_allocator a = test_allocator(&memory);
    ft_error err = {FT_OK, "", ""};
    if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return CHILD_SKIPPED;
    if (setrlimit(RLIMIT_NPROC, &limit) != 0) return CHILD_SKIPPED;
    bool ok = CHECK(ft__pool_create(64, &a, &err) == NULL);
    ok = CHECK_ERROR(err.code, FT_ERR_THREAD, err, "of 64") && ok;
    ok = CHECK_INT(memory.live, 0) && ok; /* the threads that did start are gone again */
    return ok ? 0 : 1;
#else
    return CHILD_SKIPPED;
#endif
}

TEST(thread, a_thread_that_does_not_start) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int code = start_too_many();
        fflush(stdout);
        _exit(code);
    }
    int status = 0;
    if (!CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status))) return;
    if (WEXITSTATUS(status) == CHILD_SKIPPED) SKIP("no limit on the number of threads");
    CHECK_INT(WEXITSTATUS(status), 0);
}
