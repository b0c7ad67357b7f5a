#include "gguf_edit.h"

static void die(const char *path, const char *message) {
    fflush(stdout);
    fprintf(stderr, "gguf_edit: %s: %s\n", path, message);
    abort();
}

static void must(ft_status status, const ft_error *err) {
    if (status) die(err->where, err->message);
}

void edit_begin(edit *e, const char *from) {
    memset(e, 0, sizeof *e);
    e->from = from;
}

static edit_change *add(edit *e, const char *name, char what) {
    if (e->n_changes == EDIT_MAX) die(name, "too many changes");
    edit_change *c = &e->changes[e->n_changes++];
    c->name = name;
    c->what = what;
    return c;
}

void edit_drop(edit *e, const char *name) { add(e, name, '-'); }
void edit_int(edit *e, const char *key, uint32_t value) { add(e, key, 'i')->integer = value; }
void edit_float(edit *e, const char *key, float value) { add(e, key, 'f')->number = value; }
void edit_text(edit *e, const char *key, const char *text) { add(e, key, 's')->text = text; }

void edit_tensor(edit *e, const char *name, uint32_t type, int ne0, int ne1, const void *data) {
    edit_change *c = add(e, name, 't');
    c->type = type;
    c->ne[0] = (uint64_t)ne0;
    c->ne[1] = (uint64_t)ne1;
    c->data = data;
}

static bool changed(const edit *e, const char *name, size_t n) {
    for (int i = 0; i < e->n_changes; i++)
        if (ft__text_equal(e->changes[i].name, strlen(e->changes[i].name), name, n)) return true;
    return false;
}

static void write_keys(const edit *e, const ft__gguf *g, ft__gguf_writer *w) {
    for (size_t i = 0; i < g->n_kv; i++)
        if (!changed(e, g->kv[i].key.data, g->kv[i].key.len)) ft__gguf_write_kv(w, &g->kv[i]);
    for (int i = 0; i < e->n_changes; i++) {
        const edit_change *c = &e->changes[i];
        if (c->what == 'i') ft__gguf_write_u32(w, c->name, c->integer);
        if (c->what == 'f') ft__gguf_write_f32(w, c->name, c->number);
        if (c->what == 's') ft__gguf_write_string(w, c->name, c->text);
    }
}

static size_t bytes_of(const edit_change *c) {
    const ft__format *format = ft__format_find(c->type);
    return (size_t)(c->ne[0] * c->ne[1]) / format->n_elements * format->n_bytes;
}

static void write_added(const edit_change *c, ft__gguf_writer *w, ft_error *err) {
    void *zeros = calloc(bytes_of(c), 1);
    if (!zeros) die(c->name, "out of memory");
    must(ft__gguf_write_data(w, c->data ? c->data : zeros, bytes_of(c), err), err);
    free(zeros);
}

void edit_save(edit *e, const char *to) {
    ft__gguf g;
    ft__gguf_writer w;
    ft_error err;
    must(ft__gguf_open(&g, e->from, NULL, &err), &err);
    must(ft__gguf_write_begin(&w, to, NULL, &err), &err);
    write_keys(e, &g, &w);
    for (size_t i = 0; i < g.n_tensors; i++) {
        const ft__gguf_tensor *t = &g.tensors[i];
        if (changed(e, t->name, strlen(t->name))) continue;
        must(ft__gguf_write_tensor(&w, t->name, t->n_dims, t->ne, t->type, &err), &err);
    }
    for (int i = 0; i < e->n_changes; i++) {
        const edit_change *c = &e->changes[i];
        if (c->what != 't') continue;
        must(ft__gguf_write_tensor(&w, c->name, c->ne[1] > 1 ? 2 : 1, c->ne, c->type, &err), &err);
    }
    for (size_t i = 0; i < g.n_tensors; i++)
        if (!changed(e, g.tensors[i].name, strlen(g.tensors[i].name)))
            must(ft__gguf_write_data(&w, g.tensors[i].data, (size_t)g.tensors[i].size, &err), &err);
    for (int i = 0; i < e->n_changes; i++)
        if (e->changes[i].what == 't') write_added(&e->changes[i], &w, &err);
    must(ft__gguf_write_end(&w, &err), &err);
    ft__gguf_close(&g);
}

void edit_poke(const char *path, const char *tensor, size_t at, const void *bytes, size_t n) {
    ft__gguf g;
    ft_error err;
    must(ft__gguf_open(&g, path, NULL, &err), &err);
    const ft__gguf_tensor *t = ft__gguf_find(&g, tensor);
    if (!t || at + n > t->size) die(path, tensor);
    long place = (long)(t->offset + at);
    ft__gguf_close(&g);
    FILE *f = fopen(path, "r+b");
    if (!f || fseek(f, place, SEEK_SET) || fwrite(bytes, 1, n, f) != n || fclose(f))
        die(path, "cannot write");
}

size_t edit_end(const char *path, const char *tensor) {
    ft__gguf g;
    ft_error err;
    size_t end = 0;
    must(ft__gguf_open(&g, path, NULL, &err), &err);
    for (size_t i = 0; i < g.n_tensors; i++) {
        const ft__gguf_tensor *t = &g.tensors[i];
        if (tensor && strcmp(t->name, tensor) != 0) continue;
        if (t->offset + t->size > end) end = (size_t)(t->offset + t->size);
    }
    ft__gguf_close(&g);
    return end;
}
