/* Files: mapped and read whole, and written so that a name never holds half a file. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const ft_allocator *standard(void) {
    static ft_allocator a;
    a = ft__allocator(NULL);
    return &a;
}

static bool there(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0;
}

/* The name under which a file is made before it gets its own: known here, to see it come and go. */
static const char *partial(const char *path) {
    static char name[800];
    snprintf(name, sizeof name, "%s.partial", path);
    return name;
}

static void holds(const char *path, const char *bytes, size_t n) {
    size_t got = 0;
    char *data = test_read(path, &got);
    if (CHECK(data != NULL) && CHECK_INT(got, n)) CHECK(memcmp(data, bytes, n) == 0);
    free(data);
}

/* The lowest free descriptor: the same before and after, or one was left open. */
static int lowest_fd(void) {
    int fd = open("/dev/null", O_RDONLY);
    if (fd >= 0) close(fd);
    return fd;
}

enum { CHILD_SKIPPED = 77 };

/* Runs fn in a process of its own, whose limits and rights it may change; 0 if all is well. */
static int in_child(int (*fn)(void)) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int code = fn();
        fflush(stdout);
        _exit(code);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
}

/* ---- reading */

TEST(file, map_and_read) {
    static const size_t sizes[] = {0, 1, 100, 4095, 4096, 4097, 100000};
    char *bytes = (char *)malloc(100000);
    for (size_t i = 0; i < 100000; i++) bytes[i] = (char)(i * 31 + i / 256);
    int fd = lowest_fd();
    for (size_t i = 0; i < FT__COUNT(sizes); i++) {
        size_t n = sizes[i], size = 77;
        const char *path = test_path("content");
        test_memory memory = {0, 0, 0};
        ft_allocator a = test_allocator(&memory);
        ft__mapping m;
        char *data = NULL;
        ft_error err;
        test_write(path, bytes, n);
        CHECK_OK(ft__map_file(path, &m, &err), err);
        CHECK_INT(m.size, n);
        CHECK(n == 0 ? m.data == NULL : memcmp(m.data, bytes, n) == 0);
        ft__unmap(&m);
        CHECK(m.data == NULL && m.size == 0);
        ft__unmap(&m);
        CHECK_OK(ft__read_file(path, &a, &data, &size, &err), err);
        CHECK_INT(size, n);
        CHECK(data && memcmp(data, bytes, n) == 0 && data[n] == 0);
        ft__free(&a, data);
        CHECK(memory.live == 0);
    }
    CHECK_INT(lowest_fd(), fd);
    free(bytes);
}

static void cannot_read(const char *path, const char *needle) {
    ft__mapping m;
    ft_error err;
    char *data = NULL;
    size_t size;
    CHECK_ERROR(ft__map_file(path, &m, &err), FT_ERR_NOT_FOUND, err, needle);
    CHECK_TEXT(err.where, path);
    CHECK(m.data == NULL);
    CHECK_ERROR(ft__read_file(path, standard(), &data, &size, &err), FT_ERR_NOT_FOUND, err, needle);
    CHECK_TEXT(err.where, path);
    CHECK(data == NULL);
    CHECK_INT(ft__map_file(path, &m, NULL), FT_ERR_NOT_FOUND);
    CHECK_INT(ft__read_file(path, standard(), &data, &size, NULL), FT_ERR_NOT_FOUND);
}

TEST(file, what_cannot_be_read) {
    int fd = lowest_fd();
    char endless[301];
    memset(endless, 'n', sizeof endless - 1); /* a name may have 255 bytes */
    endless[sizeof endless - 1] = 0;
    const char *file = test_path("plain"), *folder = test_path("folder"), *pipe = test_path("pipe");
    test_write(file, "x", 1);
    CHECK(mkdir(folder, 0777) == 0);
    CHECK(mkfifo(pipe, 0666) == 0);
    cannot_read(test_path("missing"), strerror(ENOENT));
    cannot_read("", strerror(ENOENT));
    cannot_read(test_path("plain/below"), strerror(ENOTDIR));
    cannot_read(endless, strerror(ENAMETOOLONG));
    cannot_read(folder, "not a regular file");
    cannot_read(pipe, "not a regular file"); /* and nobody waits for someone to write into it */
    cannot_read("/dev/null", "not a regular file");
    CHECK_INT(lowest_fd(), fd);
}

static char secret[600];
static int read_without_rights(void) {
    ft__mapping m;
    ft_error err;
    if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return CHILD_SKIPPED;
    return !CHECK_ERROR(ft__map_file(secret, &m, &err), FT_ERR_NOT_FOUND, err, strerror(EACCES));
}

TEST(file, a_file_that_may_not_be_read) {
    snprintf(secret, sizeof secret, "%s", test_path("secret"));
    test_write(secret, "x", 1);
    CHECK(chmod(secret, 0) == 0);
    int code = in_child(read_without_rights);
    if (code == CHILD_SKIPPED) SKIP("root, and cannot become nobody");
    CHECK_INT(code, 0);
}

TEST(file, reading_without_memory) {
    test_memory memory = {0, 0, 1};
    ft_allocator a = test_allocator(&memory);
    const char *path = test_path("content");
    char *data = (char *)&memory;
    size_t size;
    ft_error err;
    int fd = lowest_fd();
    test_write(path, "text", 4);
    CHECK_ERROR(ft__read_file(path, &a, &data, &size, &err), FT_ERR_MEMORY, err, NULL);
    CHECK(data == NULL && memory.live == 0);
    CHECK_INT(lowest_fd(), fd);
}

/* ---- writing */

TEST(file, nothing_under_the_name_before_commit) {
    const char *path = test_path("new.json");
    ft__writer w;
    ft_error err;
    int fd = lowest_fd();
    CHECK_OK(ft__writer_open(&w, path, NULL, &err), err);
    CHECK_OK(ft__writer_add(&w, "one ", 4, &err), err);
    CHECK(!there(path) && there(partial(path)));
    CHECK_OK(ft__writer_add(&w, "two", 3, &err), err);
    CHECK_OK(ft__writer_commit(&w, &err), err);
    holds(path, "one two", 7);
    CHECK(!there(partial(path)));
    CHECK_INT(lowest_fd(), fd);
}

TEST(file, abort_leaves_nothing) {
    const char *path = test_path("aborted.json");
    char big[10000];
    ft__writer w;
    ft_error err;
    int fd = lowest_fd();
    memset(big, 'b', sizeof big);
    CHECK_OK(ft__writer_open(&w, path, NULL, &err), err);
    CHECK_OK(ft__writer_add(&w, big, sizeof big, &err), err);
    ft__writer_abort(&w);
    CHECK(!there(path) && !there(partial(path)));
    ft__writer_abort(&w); /* twice does no harm */
    CHECK_INT(lowest_fd(), fd);
}

TEST(file, an_old_file_stays_until_the_new_one_is_whole) {
    const char *path = test_path("replaced.json");
    ft__mapping old;
    ft__writer w;
    ft_error err;
    test_write(path, "the old text", 12);
    CHECK_OK(ft__writer_open(&w, path, NULL, &err), err);
    CHECK_OK(ft__writer_add(&w, "never", 5, &err), err);
    ft__writer_abort(&w);
    holds(path, "the old text", 12);

    CHECK_OK(ft__map_file(path, &old, &err), err);
    CHECK_OK(ft__write_file(path, "new", 3, NULL, &err), err);
    holds(path, "new", 3);
    /* whoever reads it may go on */
    CHECK(old.size == 12 && memcmp(old.data, "the old text", 12) == 0);
    ft__unmap(&old);
}

/* Pieces around the size of the writer's buffer, 4096. */
TEST(file, pieces_of_any_size) {
    static const size_t pieces[] = {0,     1, 4095, 4096, 4097, 1, 4095, 1,
                                    20000, 3, 4094, 2,    4096, 0, 7};
    const char *path = test_path("pieces");
    char *bytes = (char *)malloc(60000);
    size_t n = 0;
    ft__writer w;
    ft_error err;
    for (size_t i = 0; i < 60000; i++) bytes[i] = (char)(i * 29 + i / 251);
    CHECK_OK(ft__writer_open(&w, path, NULL, &err), err);
    for (size_t i = 0; i < FT__COUNT(pieces); i++) {
        CHECK_OK(ft__writer_add(&w, bytes + n, pieces[i], &err), err);
        n += pieces[i];
    }
    CHECK_OK(ft__writer_commit(&w, &err), err);
    holds(path, bytes, n);
    CHECK_OK(ft__write_file(path, NULL, 0, NULL, &err), err);
    holds(path, "", 0);
    free(bytes);
}

TEST(file, where_nothing_can_be_written) {
    char folder[600], inside[700];
    ft__writer w;
    ft_error err;
    int fd = lowest_fd();
    snprintf(folder, sizeof folder, "%s", test_path("no-such-folder/x.json"));
    CHECK_ERROR(ft__writer_open(&w, folder, NULL, &err), FT_ERR_IO, err, "cannot create");
    CHECK_TEXT(err.where, folder);
    CHECK_INT(ft__write_file(folder, "x", 1, NULL, NULL), FT_ERR_IO);
    CHECK_ERROR(ft__write_file("/proc/ft", "x", 1, NULL, &err), FT_ERR_IO, err, "/proc/ft");

    /* the name is a folder's: the text was written, but cannot take its place */
    snprintf(folder, sizeof folder, "%s", test_path("taken"));
    snprintf(inside, sizeof inside, "%s/kept", folder);
    CHECK(mkdir(folder, 0777) == 0);
    test_write(inside, "kept", 4);
    CHECK_ERROR(ft__write_file(folder, "x", 1, NULL, &err), FT_ERR_IO, err, "cannot rename");
    CHECK(!there(partial(folder)));
    holds(inside, "kept", 4);

    /* the helper name is a folder's: that is somebody's, and stays */
    snprintf(inside, sizeof inside, "%s", test_path("blocked.json"));
    CHECK(mkdir(partial(inside), 0777) == 0);
    CHECK_ERROR(ft__write_file(inside, "x", 1, NULL, &err), FT_ERR_IO, err, "cannot create");
    CHECK(there(partial(inside)) && !there(inside));
    CHECK_INT(lowest_fd(), fd);
}

TEST(file, what_an_output_would_replace) {
    char folder[600], inside[700], half[700];
    snprintf(folder, sizeof folder, "%s", test_path("inputs"));
    snprintf(inside, sizeof inside, "%s/model.bin", folder);
    snprintf(half, sizeof half, "%s/other.bin", folder);
    mkdir(folder, 0777);
    test_write(inside, "x", 1);
    CHECK(ft__would_replace(inside, inside));
    CHECK(ft__would_replace(inside, folder)); /* a file of a folder that is read */
    CHECK(!ft__would_replace(half, folder));
    CHECK(!ft__would_replace(half, inside));
    test_write(partial(half), "x", 1);
    CHECK(ft__would_replace(half, partial(half))); /* its helper name is the input */
    CHECK(!ft__would_replace(test_path("model.bin"), folder));
}

TEST(file, writing_without_memory) {
    const char *path = test_path("no-memory.json");
    for (long fail_at = 1; fail_at <= 3; fail_at++) {
        test_memory memory = {0, 0, fail_at};
        ft_allocator a = test_allocator(&memory);
        ft_error err;
        ft_status status = ft__write_file(path, "text", 4, &a, &err);
        if (fail_at < 3) CHECK_ERROR(status, FT_ERR_MEMORY, err, NULL);
        else CHECK_OK(status, err);
        CHECK(there(path) == (fail_at == 3) && !there(partial(path)));
        CHECK(memory.live == 0);
    }
}

/* A full disk, played by a limit on the size of files. */
static char full[600];
static int write_to_a_full_disk(void) {
    char big[30000];
    struct rlimit limit;
    test_memory memory = {0, 0, 0};
    ft_allocator a = test_allocator(&memory);
    ft__writer w;
    ft_error err;
    int fd = lowest_fd();
    bool ok = true;
    memset(big, 'b', sizeof big);
    signal(SIGXFSZ, SIG_IGN);
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0) return CHILD_SKIPPED;
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 10000;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return CHILD_SKIPPED;
    /* in the middle, with a part written */
    ft_status whole = ft__write_file(full, big, sizeof big, &a, &err);
    /* in small pieces, at the first that does not fit */
    ft_status pieces = ft__writer_open(&w, full, &a, NULL);
    for (int i = 0; i < 30 && !pieces; i++) pieces = ft__writer_add(&w, big, 1000, NULL);
    ft__writer_abort(&w);
    /* at the end, when the buffer is emptied */
    limit.rlim_cur = 0;
    setrlimit(RLIMIT_FSIZE, &limit);
    ft_status last = ft__writer_open(&w, full, &a, NULL);
    ft_status small = ft__writer_add(&w, "x", 1, NULL), commit = ft__writer_commit(&w, NULL);
    limit.rlim_cur = before;
    setrlimit(RLIMIT_FSIZE, &limit); /* what follows may have to print */
    ok = CHECK_ERROR(whole, FT_ERR_IO, err, strerror(EFBIG)) && ok;
    ok = CHECK_TEXT(err.where, full) && ok;
    ok = CHECK_INT(pieces, FT_ERR_IO) && ok;
    ok = CHECK(last == FT_OK && small == FT_OK) && CHECK_INT(commit, FT_ERR_IO) && ok;
    ok = CHECK_INT(memory.live, 0) && CHECK_INT(lowest_fd(), fd) && ok;
    return ok ? 0 : 1;
}

TEST(file, a_full_disk) {
    snprintf(full, sizeof full, "%s", test_path("full.json"));
    int code = in_child(write_to_a_full_disk);
    if (code == CHILD_SKIPPED) SKIP("no limit on the size of files");
    CHECK_INT(code, 0);
    CHECK(!there(full) && !there(partial(full)));
}

/* ---- folders and names */

TEST(file, make_dirs) {
    struct stat st;
    ft_error err;
    static const char *const names[] = {"a", "a", "a/b/c", "b//c///d", "e/f/", "a/b/c/../x"};
    for (size_t i = 0; i < FT__COUNT(names); i++) {
        const char *path = test_path(names[i]);
        CHECK_OK(ft__make_dirs(path, standard(), &err), err);
        CHECK(stat(path, &st) == 0 && S_ISDIR(st.st_mode));
    }
    CHECK_OK(ft__make_dirs(".", standard(), &err), err);
    CHECK_OK(ft__make_dirs("/", standard(), &err), err);
    CHECK_ERROR(ft__make_dirs("", standard(), &err), FT_ERR_IO, err, NULL);

    const char *file = test_path("in-the-way");
    test_write(file, "x", 1);
    CHECK_ERROR(ft__make_dirs(file, standard(), &err), FT_ERR_IO, err, "not a folder");
    CHECK_TEXT(err.where, file);
    CHECK_ERROR(ft__make_dirs(test_path("in-the-way/b/c"), standard(), &err), FT_ERR_IO, err,
                strerror(ENOTDIR));
    holds(file, "x", 1);

    test_memory memory = {0, 0, 1};
    ft_allocator a = test_allocator(&memory);
    CHECK_ERROR(ft__make_dirs(test_path("no-memory"), &a, &err), FT_ERR_MEMORY, err, NULL);
    CHECK(!there(test_path("no-memory")));
}

/* The message tells what stood in the way, not that the folder is missing in the end. */
static int make_dirs_without_rights(void) {
    ft_error err;
    if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return CHILD_SKIPPED;
    ft_status status = ft__make_dirs("/ft-test-no-rights/b", standard(), &err);
    return !CHECK_ERROR(status, FT_ERR_IO, err, "cannot create the folder") ||
           !CHECK(strstr(err.message, strerror(ENOENT)) == NULL);
}

TEST(file, make_dirs_without_rights) {
    int code = in_child(make_dirs_without_rights);
    if (code == CHILD_SKIPPED) SKIP("root, and cannot become nobody");
    CHECK_INT(code, 0);
}

TEST(file, remove_file) {
    const char *path = test_path("remove-me"), *folder = test_path("remove-folder");
    ft_error err;
    test_write(path, "x", 1);
    CHECK_OK(ft__remove_file(path, &err), err);
    CHECK(!there(path));
    CHECK_OK(ft__remove_file(path, &err), err); /* absent is fine */
    CHECK(mkdir(folder, 0777) == 0);
    CHECK_ERROR(ft__remove_file(folder, &err), FT_ERR_IO, err, "cannot remove");
    CHECK(there(folder));
    CHECK_INT(ft__remove_file(folder, NULL), FT_ERR_IO);
}

TEST(file, path_beside) {
    static const struct {
        const char *from, *path, *result;
    } rows[] = {
        {"job.json", "rows.jsonl", "rows.jsonl"},
        {"jobs/job.json", "rows.jsonl", "jobs/rows.jsonl"},
        {"/a/b/job.json", "rows.jsonl", "/a/b/rows.jsonl"},
        {"/a/b/job.json", "../data/rows.jsonl", "/a/b/../data/rows.jsonl"},
        {"/a/b/job.json", "/data/rows.jsonl", "/data/rows.jsonl"},
        {"job.json", "/data/rows.jsonl", "/data/rows.jsonl"},
        {"/job.json", "rows.jsonl", "/rows.jsonl"},
        {"./job.json", "rows.jsonl", "./rows.jsonl"},
        {"a/", "x", "a/x"},
    };
    ft__arena arena;
    ft__arena_init(&arena, NULL);
    for (size_t i = 0; i < FT__COUNT(rows); i++)
        CHECK_TEXT(ft__path_beside(&arena, rows[i].from, rows[i].path), rows[i].result);
    ft__arena_free(&arena);
}

TEST(file, path_join) {
    static const char *const rows[][3] = {
        {"run", "result.json", "run/result.json"}, {"run/", "result.json", "run/result.json"},
        {"/", "x", "/x"},                          {"", "x", "x"},
        {"a/b", "c/d", "a/b/c/d"},
    };
    test_memory memory = {0, 0, 0};
    ft_allocator a = test_allocator(&memory);
    ft__arena arena;
    ft__arena_init(&arena, &a);
    for (size_t i = 0; i < FT__COUNT(rows); i++)
        CHECK_TEXT(ft__path_join(&arena, rows[i][0], rows[i][1]), rows[i][2]);
    ft__arena_free(&arena);
    memory.fail_at = memory.requests + 1;
    CHECK(!ft__path_join(&arena, "a", "b") && arena.failed);
    CHECK(!ft__path_beside(&arena, "a/b", "c"));
    ft__arena_free(&arena);
}

TEST(file, seconds_go_by) {
    struct timespec nap = {0, 20 * 1000 * 1000};
    double start = ft__seconds();
    nanosleep(&nap, NULL);
    double took = ft__seconds() - start;
    CHECK(took >= 0.0199 && took < 5);
}
