/* The linear maps of a model in one list: packed for the kernels, or shared with another model that has the same
   weights; adapters look for their places there. */
#include "model.h"

enum { FT__LAYER_MAPS = FT__LAYER_MODULES + 20 };

static void ft__maps_add(ft_model *m, ft__linear *l, int n_slices) {
    if (!l->w.format) return;
    m->maps[m->n_maps].linear = l;
    m->maps[m->n_maps++].n_slices = n_slices;
}

FT__PRIV ft_status ft__model_list_maps(ft_model *m, ft_error *err) {
    m->maps = (ft__model_map *)ft__arena_alloc(&m->arena, 2 + (size_t)m->info.n_layers * FT__LAYER_MAPS,
                                               sizeof *m->maps);
    if (!m->maps) return ft__fail_memory(err);
    ft__maps_add(m, &m->output, 1);
    ft__maps_add(m, &m->own_map, 1);
    for (int i = 0; i < m->info.n_layers; i++) {
        ft__layer *at = &m->layers[i];
        ft__linear *const single[] = {
            &at->router, &at->shared[0], &at->shared[1], &at->shared[2], &at->shared_gate, &at->q_a, &at->q_b,
            &at->kv_a, &at->conv_in, &at->conv_out, &at->delta_gate, &at->delta_rate, &at->delta_write, &at->own_in,
            &at->own_out};
        const int joined = at->expert[1].w.format ? 1 : 2; /* gate and up of an expert are slices, too */
        for (int k = 0; k < FT__LAYER_MODULES; k++) ft__maps_add(m, &at->module[k], 1);
        for (size_t k = 0; k < FT__COUNT(single); k++) ft__maps_add(m, single[k], 1);
        ft__maps_add(m, &at->expert[0], joined * m->routing.n_experts);
        ft__maps_add(m, &at->expert[1], m->routing.n_experts);
        ft__maps_add(m, &at->expert[2], m->routing.n_experts);
        ft__maps_add(m, &at->k_b, m->info.n_heads);
        ft__maps_add(m, &at->v_b, m->info.n_heads);
    }
    return FT_OK;
}

/* Slices must begin where a group does. */
static size_t ft__maps_packed_bytes(const ft_model *m, const ft__model_map *map) {
    const ft__matrix *w = &map->linear->w;
    if (!m->kernels.packed[w->format->id]) return 0;
    if (map->n_slices > 1 && w->n_rows / map->n_slices % FT__LANES) return 0;
    size_t n = ((size_t)w->n_rows + FT__LANES - 1) / FT__LANES * ft__pack_group_bytes(w);
    return (n + 63) / 64 * 64;
}

/* The rows as the file has them need not stay in memory, since the file can give them again: adapters may ask.
   What was made in memory would be lost. */
static void ft__maps_forget(const ft_model *m, const ft__matrix *w) {
    const uintptr_t at = (uintptr_t)w->data;
    for (size_t i = 0; i <= m->file.n_more; i++) {
        const ft__mapping *f = i ? &m->file.more[i - 1] : &m->file.file;
        if (at >= (uintptr_t)f->data && at - (uintptr_t)f->data < f->size)
            ft__map_forget(w->data, (size_t)w->n_rows * w->row_bytes);
    }
}

/* Takes over the other model's copy of the same weights. */
static void ft__maps_share(ft_model *m, ft__linear *l, const ft_model *other, const ft__linear *theirs) {
    const size_t n = (size_t)l->w.n_rows * l->w.row_bytes;
    if (l->tensor < 0 || theirs->tensor < 0 || l->first_row != theirs->first_row ||
        strcmp(ft__model_tensor_name(m, l->tensor), ft__model_tensor_name(other, theirs->tensor)) != 0)
        return;
    if (l->w.format != theirs->w.format || l->w.n_rows != theirs->w.n_rows || l->w.n_cols != theirs->w.n_cols ||
        memcmp(l->w.data, theirs->w.data, n) != 0)
        return;
    ft__maps_forget(m, &l->w);
    l->w = theirs->w;
}

/* Models of one architecture have their maps in one order. */
FT__PRIV void ft__model_share(ft_model *m, const ft_model *other) {
    if (!other || !other->layers || other->n_maps != m->n_maps || other->kernels.isa != m->kernels.isa) return;
    ft__maps_share(m, &m->embedding, other, &other->embedding);
    for (int i = 0; i < m->n_maps; i++)
        if (m->maps[i].n_slices == other->maps[i].n_slices)
            ft__maps_share(m, m->maps[i].linear, other, other->maps[i].linear);
}

FT__PRIV ft_status ft__model_pack(ft_model *m, int threads, ft_error *err) {
    size_t total = 0;
    for (int i = 0; i < m->n_maps; i++)
        if (!m->maps[i].linear->w.packed) total += ft__maps_packed_bytes(m, &m->maps[i]);
    if (!total) return FT_OK;
    ft__pool *pool = ft__pool_create(threads ? threads : ft__cpu_count(), &m->allocator, err);
    if (!pool) return err ? err->code : FT_ERR_THREAD;
    uint8_t *next = m->packed = (uint8_t *)ft__alloc_aligned(&m->allocator, total, 1);
    if (next) ft__want_large_pages(next, total);
    for (int i = 0; i < m->n_maps && next; i++) {
        const size_t n = ft__maps_packed_bytes(m, &m->maps[i]);
        ft__matrix *w = &m->maps[i].linear->w;
        if (!n || w->packed) continue;
        ft__pack(pool, w, next);
        ft__maps_forget(m, w);
        w->packed = next;
        next += n;
    }
    ft__pool_free(pool);
    return m->packed ? FT_OK : ft__fail_memory(err);
}

FT__PRIV void ft__model_packed_bytes(const ft_model *m, size_t *packed, size_t *replaced) {
    *packed = *replaced = 0;
    for (int i = 0; i < m->n_maps; i++) {
        const size_t n = ft__maps_packed_bytes(m, &m->maps[i]);
        const ft__matrix *w = &m->maps[i].linear->w;
        *packed += n;
        if (n) *replaced += (size_t)w->n_rows * w->row_bytes;
    }
}
