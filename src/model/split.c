/* Models in several GGUF files, X-00001-of-00003.gguf and so on: the first one has all keys, each has some of
   the tensors (the format of llama.cpp's gguf-split).  Opened by the first, they are one. */
#include "hf.h"

/* Does the path end as that of the first of several files does?  Then *count is how many. */
FT__PRIV bool ft__split_first(const char *path, int *count) {
    static const char pattern[] = "-00001-of-00000.gguf";
    size_t n = strlen(path), at = sizeof "-00001-of-" - 1;
    const char *end = n < sizeof pattern ? "" : path + n - (sizeof pattern - 1);
    *count = 0;
    if (strncmp(end, pattern, at) != 0 || strcmp(end + at + 5, ".gguf") != 0) return false;
    for (size_t i = at; i < at + 5; i++) {
        if (end[i] < '0' || end[i] > '9') return false;
        *count = 10 * *count + (end[i] - '0');
    }
    return *count > 1;
}

FT__PRIV char *ft__split_path(ft__arena *arena, const char *first, int number, int count) {
    int head = (int)(strlen(first) - strlen("-00001-of-00000.gguf"));
    return ft__arena_printf(arena, "%.*s-%05d-of-%05d.gguf", head, first, number, count);
}

/* Moves the tensors of one more file into g, which owns its mapping from then on. */
static ft_status ft__split_add(ft__gguf *g, const char *path, int number, const ft_allocator *a, ft_error *err) {
    ft__gguf other;
    int64_t no = -1;
    ft_status status = ft__gguf_open(&other, path, a, err);
    if (status) return status;
    ft__gguf_tensor *all = (ft__gguf_tensor *)ft__arena_alloc(&g->arena, g->n_tensors + other.n_tensors, sizeof *all);
    status = ft__gguf_int(&other, "split.no", 0, INT_MAX, &no, err);
    if (!status && no != number - 1)
        status = ft__fail(err, FT_ERR_FORMAT, path, "split.no is %d, expected %d", (int)no, number - 1);
    if (!status && !all) status = ft__fail_memory(err);
    if (!status && g->n_tensors) memcpy(all, g->tensors, g->n_tensors * sizeof *all);
    for (size_t i = 0; i < other.n_tensors && !status; i++) {
        ft__gguf_tensor *t = &all[g->n_tensors + i];
        *t = other.tensors[i];
        t->name = ft__arena_text(&g->arena, t->name, strlen(t->name));
        if (!t->name) status = ft__fail_memory(err);
    }
    if (!status) {
        g->tensors = all;
        g->n_tensors += other.n_tensors;
        ft__gguf_make_own(g, &other.file);
    }
    ft__gguf_close(&other);
    return status;
}

static ft_status ft__split_open(ft__gguf *g, const char *path, const ft_allocator *a, int64_t count,
                                ft_error *err) {
    int named, number = 2;
    int64_t n_tensors = -1;
    ft_status status = FT_OK;
    if (!ft__split_first(path, &named) || named != count)
        return ft__fail(err, FT_ERR_FORMAT, path,
                        "split.count is %d: name the first of the files, X-00001-of-%05d.gguf", (int)count,
                        (int)count);
    for (; number <= named && !status; number++) {
        const char *next = ft__split_path(&g->arena, path, number, named);
        status = next ? ft__split_add(g, next, number, a, err) : ft__fail_memory(err);
    }
    if (!status) status = ft__gguf_int(g, "split.tensors.count", 0, INT_MAX, &n_tensors, err);
    if (!status && n_tensors >= 0 && (uint64_t)n_tensors != g->n_tensors)
        status = ft__fail(err, FT_ERR_FORMAT, path, "split.tensors.count is %d, the files have %d", (int)n_tensors,
                          (int)g->n_tensors);
    return status ? status : ft__gguf_make_end(g, err);
}

FT__PRIV ft_status ft__split_gguf_open(ft__gguf *g, const char *path, const ft_allocator *a, ft_error *err) {
    int64_t count = 0;
    int named;
    ft_status status = ft__gguf_open(g, path, a, err);
    if (status) return status;
    status = ft__gguf_int(g, "split.count", 0, 99999, &count, err);
    if (!status && count > 1) status = ft__split_open(g, path, a, count, err);
    else if (!status && ft__split_first(path, &named)) /* the digest goes by the name */
        status = ft__fail(err, FT_ERR_FORMAT, path, "named as the first of %d files, but split.count is not there",
                          named);
    if (status) ft__gguf_close(g);
    return status;
}

FT__PRIV ft_status ft__model_file_open(ft__gguf *g, const char *path, const ft_allocator *a, ft_error *err) {
    return ft__is_folder(path) ? ft__hf_open(g, path, a, err) : ft__split_gguf_open(g, path, a, err);
}
