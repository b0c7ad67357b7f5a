/* The digest of a model: of its file, or of the files of a folder that make it what it is, or of those that
   it is split into. */
#include "hf.h"
#include "model.h"

#include <dirent.h>

static ft_status ft__digest_file(const char *path, char hex[65], ft_error *err) {
    ft__mapping file;
    ft_status status = ft__map_file(path, &file, err);
    if (status) return status;
    ft__sha256_hex(file.data, file.size, hex);
    ft__unmap(&file);
    return FT_OK;
}

static bool ft__digest_counts(const char *name) {
    static const char *const ends[] = {".json", ".safetensors", ".jinja", "tokenizer.model"};
    size_t n = strlen(name);
    for (size_t i = 0; i < FT__COUNT(ends); i++) {
        size_t n_end = strlen(ends[i]);
        if (n >= n_end && strcmp(name + n - n_end, ends[i]) == 0) return true;
    }
    return false;
}

static int ft__digest_by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

FT__PRIV ft_status ft__digest_names(const char *folder, ft__arena *arena, const char ***names, size_t *n,
                                    ft_error *err) {
    const char **list = NULL;
    size_t cap = 0;
    DIR *dir = opendir(folder);
    *n = 0;
    if (!dir) return ft__fail(err, FT_ERR_IO, folder, "cannot read the folder");
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (!ft__digest_counts(entry->d_name)) continue;
        char *name = ft__arena_text(arena, entry->d_name, strlen(entry->d_name));
        if (!name || !ft__grow(&arena->allocator, (void **)&list, &cap, *n + 1, sizeof *list)) {
            arena->failed = true;
            break;
        }
        list[(*n)++] = name;
    }
    closedir(dir);
    if (*n) qsort(list, *n, sizeof *list, ft__digest_by_name);
    *names = list;
    return arena->failed ? ft__fail_memory(err) : FT_OK;
}

/* The digest of one line per file, as sha256sum prints them. */
static ft_status ft__digest_add(ft__buf *lines, const char *path, ft_error *err) {
    const char *slash = strrchr(path, '/');
    char hex[65];
    ft_status status = ft__digest_file(path, hex, err);
    if (!status) ft__buf_printf(lines, "%s  %s\n", hex, slash ? slash + 1 : path);
    return status;
}

static ft_status ft__digest_folder(const char *folder, ft__arena *arena, ft__buf *lines, ft_error *err) {
    const char **names = NULL;
    size_t n;
    ft_status status = ft__digest_names(folder, arena, &names, &n, err);
    for (size_t i = 0; i < n && !status; i++) {
        const char *path = ft__path_join(arena, folder, names[i]);
        status = path ? ft__digest_add(lines, path, err) : ft__fail_memory(err);
    }
    ft__free(&arena->allocator, names);
    return status;
}

static ft_status ft__digest_split(const char *first, int count, ft__arena *arena, ft__buf *lines, ft_error *err) {
    ft_status status = FT_OK;
    for (int i = 1; i <= count && !status; i++) {
        const char *path = ft__split_path(arena, first, i, count);
        status = path ? ft__digest_add(lines, path, err) : ft__fail_memory(err);
    }
    return status;
}

ft_status ft_model_digest(const char *path, const ft_allocator *allocator, char hex[65], ft_error *err) {
    ft_allocator a = ft__allocator(allocator);
    ft__arena arena;
    ft__buf lines;
    int count;
    bool folder = ft__is_folder(path), split = ft__split_first(path, &count);
    if (!folder && !split) return ft__digest_file(path, hex, err);
    ft__arena_init(&arena, &a);
    ft__buf_init(&lines, &a);
    ft_status status = folder ? ft__digest_folder(path, &arena, &lines, err)
                              : ft__digest_split(path, count, &arena, &lines, err);
    if (!status && lines.failed) status = ft__fail_memory(err);
    if (!status) ft__sha256_hex(lines.len ? lines.data : "", lines.len, hex);
    ft__buf_free(&lines);
    ft__arena_free(&arena);
    return status;
}
