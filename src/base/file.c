/* Files: mapped for reading, written so that a name never holds half a file. */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static ft_status ft__file_error(ft_error *err, const char *path, const char *doing) {
    return ft__fail(err, FT_ERR_IO, path, "%s: %s", doing, strerror(errno));
}

/* A wrong name is the user's mistake (exit code 3), anything else the machine's (4). */
static void ft__file_open_error(ft_error *err, const char *path) {
    bool wrong_name = errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == ENAMETOOLONG;
    ft__fail(err, wrong_name ? FT_ERR_NOT_FOUND : FT_ERR_IO, path, "cannot open: %s", strerror(errno));
}

/* Opens a regular file and tells its size; -1 on failure. */
static int ft__file_open(const char *path, size_t *size, ft_error *err) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* do not wait for a pipe's writer */
    if (fd < 0) {
        ft__file_open_error(err, path);
        return -1;
    }
    if (fstat(fd, &st) != 0) {
        ft__file_error(err, path, "cannot read");
    } else if (!S_ISREG(st.st_mode)) {
        ft__fail(err, FT_ERR_NOT_FOUND, path, "not a regular file");
    } else if ((uint64_t)st.st_size > SIZE_MAX / 2) {
        ft__fail(err, FT_ERR_LIMIT, path, "the file is too large for this machine");
    } else {
        *size = (size_t)st.st_size;
        return fd;
    }
    close(fd);
    return -1;
}

FT__PRIV ft_status ft__map_file(const char *path, ft__mapping *m, ft_error *err) {
    ft_error mine;
    m->data = NULL;
    int fd = ft__file_open(path, &m->size, err ? err : (err = &mine));
    if (fd < 0) return err->code;
    if (m->size) {
        void *data = mmap(NULL, m->size, PROT_READ, MAP_SHARED, fd, 0);
        if (data == MAP_FAILED) {
            ft__file_error(err, path, "cannot map");
            close(fd);
            return FT_ERR_IO;
        }
        m->data = (const uint8_t *)data;
    }
    close(fd);
    return FT_OK;
}

FT__PRIV void ft__unmap(ft__mapping *m) {
    if (m->data) munmap((void *)(uintptr_t)m->data, m->size);
    m->data = NULL;
    m->size = 0;
}

/* Advice on the whole pages within a piece of memory; on what the system does not know it does nothing. */
__attribute__((unused)) static void ft__file_advise(const void *memory, size_t size, int advice) {
    const uintptr_t page = 4096; /* a larger one makes the call fail, which does no harm */
    const uintptr_t first = ((uintptr_t)memory + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)memory + size) / page * page;
    if (first < end) (void)madvise((void *)first, end - first, advice);
}

FT__PRIV void ft__map_forget(const uint8_t *data, size_t size) {
#ifdef MADV_DONTNEED
    ft__file_advise(data, size, MADV_DONTNEED);
#else
    (void)data, (void)size;
#endif
}

FT__PRIV void ft__want_large_pages(void *memory, size_t size) {
#ifdef MADV_HUGEPAGE
    ft__file_advise(memory, size, MADV_HUGEPAGE);
#else
    (void)memory, (void)size;
#endif
}

static ft_status ft__file_fill(int fd, const char *path, char *data, size_t size, ft_error *err) {
    for (size_t done = 0; done < size;) {
        ssize_t n = read(fd, data + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return ft__file_error(err, path, "cannot read");
        if (n == 0) return ft__fail(err, FT_ERR_IO, path, "the file became shorter while being read");
        done += (size_t)n;
    }
    data[size] = 0;
    return FT_OK;
}

FT__PRIV ft_status ft__read_file(const char *path, const ft_allocator *a, char **data, size_t *size,
                                 ft_error *err) {
    ft_error mine;
    int fd = ft__file_open(path, size, err ? err : (err = &mine));
    if (fd < 0) return err->code;
    *data = (char *)ft__alloc(a, *size + 1);
    ft_status status = *data ? ft__file_fill(fd, path, *data, *size, err) : ft__fail_memory(err);
    close(fd);
    if (status) {
        ft__free(a, *data);
        *data = NULL;
    }
    return status;
}

FT__PRIV ft_status ft__writer_open(ft__writer *w, const char *path, const ft_allocator *a,
                                   ft_error *err) {
    static const char suffix[] = ".partial";
    struct stat st;
    size_t n = strlen(path);
    memset(w, 0, sizeof *w);
    w->allocator = ft__allocator(a);
    w->fd = -1;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) /* the rename would remove it */
        return ft__fail(err, FT_ERR_IO, path, "cannot create: a device or pipe is in the place");
    w->path = (char *)ft__alloc(&w->allocator, n + 1);
    w->temporary = (char *)ft__alloc(&w->allocator, n + sizeof suffix);
    if (!w->path || !w->temporary) {
        ft__writer_abort(w);
        return ft__fail_memory(err);
    }
    memcpy(w->path, path, n + 1);
    memcpy(w->temporary, path, n);
    memcpy(w->temporary + n, suffix, sizeof suffix);
    w->fd = open(w->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (w->fd < 0) {
        ft_status status = ft__file_error(err, path, "cannot create");
        ft__free(&w->allocator, w->temporary); /* it is not ours to remove */
        w->temporary = NULL;
        ft__writer_abort(w);
        return status;
    }
    return FT_OK;
}

static ft_status ft__writer_flush(ft__writer *w, const char *bytes, size_t n, ft_error *err) {
    while (n) {
        ssize_t got = write(w->fd, bytes, n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return ft__file_error(err, w->path, "cannot write");
        bytes += got;
        n -= (size_t)got;
    }
    return FT_OK;
}

FT__PRIV ft_status ft__writer_add(ft__writer *w, const void *bytes, size_t n, ft_error *err) {
    if (w->n_buffered + n <= sizeof w->buffer) {
        if (n) memcpy(w->buffer + w->n_buffered, bytes, n);
        w->n_buffered += n;
        return FT_OK;
    }
    ft_status status = ft__writer_flush(w, w->buffer, w->n_buffered, err);
    w->n_buffered = 0;
    return status ? status : ft__writer_flush(w, (const char *)bytes, n, err);
}

/* A rename is only durable once the folder is synced; a folder that cannot be (some network file
   systems) is no reason to fail. */
static void ft__writer_sync_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    char folder[1024] = ".";
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (n >= sizeof folder) return;
    if (slash) memcpy(folder, path, n), folder[n] = 0;
    int fd = open(folder[0] ? folder : "/", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fsync(fd);
    close(fd);
}

FT__PRIV ft_status ft__writer_commit(ft__writer *w, ft_error *err) {
    ft_status status = ft__writer_flush(w, w->buffer, w->n_buffered, err);
    if (!status && fsync(w->fd) != 0) status = ft__file_error(err, w->path, "cannot sync");
    if (!status) {
        int fd = w->fd;
        w->fd = -1; /* gone even if close fails: another thread may have the number by then */
        if (close(fd) != 0) status = ft__file_error(err, w->path, "cannot close");
    }
    if (!status && rename(w->temporary, w->path) != 0)
        status = ft__file_error(err, w->path, "cannot rename");
    if (!status) {
        ft__writer_sync_folder(w->path);
        ft__free(&w->allocator, w->temporary);
        w->temporary = NULL;
    }
    ft__writer_abort(w); /* frees what is left; removes the temporary file after a failure */
    return status;
}

FT__PRIV void ft__writer_abort(ft__writer *w) {
    if (w->fd >= 0) close(w->fd);
    if (w->temporary) unlink(w->temporary);
    ft__free(&w->allocator, w->temporary);
    ft__free(&w->allocator, w->path);
    w->temporary = w->path = NULL;
    w->fd = -1;
}

FT__PRIV ft_status ft__write_file(const char *path, const void *bytes, size_t n,
                                  const ft_allocator *a, ft_error *err) {
    ft__writer w;
    ft_status status = ft__writer_open(&w, path, a, err);
    if (status) return status;
    status = ft__writer_add(&w, bytes, n, err);
    if (!status) return ft__writer_commit(&w, err);
    ft__writer_abort(&w);
    return status;
}

FT__PRIV ft_status ft__make_dirs(const char *path, const ft_allocator *a, ft_error *err) {
    size_t n = strlen(path);
    int why = 0;
    struct stat st;
    char *copy = (char *)ft__alloc(a, n + 1);
    if (!copy) return ft__fail_memory(err);
    memcpy(copy, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (copy[i] != '/' && copy[i] != 0) continue;
        char kept = copy[i];
        copy[i] = 0;
        /* what matters is that it is there in the end; if not, the first failure tells why */
        if (mkdir(copy, 0777) != 0 && errno != EEXIST && !why) why = errno;
        copy[i] = kept;
    }
    ft__free(a, copy);
    if (stat(path, &st) != 0) {
        if (why) errno = why;
        return ft__file_error(err, path, "cannot create the folder");
    }
    if (!S_ISDIR(st.st_mode)) return ft__fail(err, FT_ERR_IO, path, "is not a folder");
    return FT_OK;
}

FT__PRIV ft_status ft__remove_file(const char *path, ft_error *err) {
    if (unlink(path) == 0 || errno == ENOENT) return FT_OK;
    return ft__file_error(err, path, "cannot remove");
}

FT__PRIV char *ft__path_join(ft__arena *arena, const char *folder, const char *name) {
    size_t n = strlen(folder);
    return ft__arena_printf(arena, "%s%s%s", folder, n && folder[n - 1] != '/' ? "/" : "", name);
}

FT__PRIV char *ft__path_beside(ft__arena *arena, const char *from, const char *path) {
    const char *slash = strrchr(from, '/');
    if (path[0] == '/' || !slash) return ft__arena_text(arena, path, strlen(path));
    return ft__arena_printf(arena, "%.*s/%s", (int)(slash - from), from, path);
}

FT__PRIV bool ft__is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

FT__PRIV bool ft__same_file(const char *a, const char *b) {
    struct stat sa, sb;
    return a && stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

/* The file is the input, or a file that stands in it. */
static bool ft__is_of_input(const char *file, const char *input, char *folder, size_t most) {
    struct stat st;
    const char *slash = strrchr(file, '/');
    if (ft__same_file(file, input)) return true;
    if (stat(file, &st) != 0 || !ft__is_folder(input)) return false;
    int n = snprintf(folder, most, "%.*s", slash ? (int)(slash - file) : 1, slash ? file : ".");
    return n >= 0 && (size_t)n < most && ft__same_file(n ? folder : "/", input);
}

FT__PRIV bool ft__would_replace(const char *out, const char *input) {
    char partial[4096], folder[4096];
    const int n = snprintf(partial, sizeof partial, "%s.partial", out);
    return ft__is_of_input(out, input, folder, sizeof folder) ||
           (n > 0 && (size_t)n < sizeof partial && ft__is_of_input(partial, input, folder, sizeof folder));
}

FT__PRIV double ft__seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
