/* A tensor made anew: decoded, changed, encoded, measured, and handed on a few thousand rows at a time, so
   that a model of any size takes the memory of a part of one tensor.

   The rows of a piece are shared out over the pool in parts.  How rows are grouped into pieces and parts
   follows from their length alone, and every sum is added up in the order of the rows: the bytes and the
   measures are the same for any number of threads. */
#include "model.h"

enum {
    FT__REMAKE_PARTS = 64,     /* of a piece */
    FT__REMAKE_PART = 32768    /* elements, or one row where that is longer */
};

typedef struct ft__remake_part {
    ft__remade sums;
    ft_error err;
    ft_status status;
} ft__remake_part;

/* A piece: n_rows rows from first_row on. */
typedef struct ft__remake {
    const ft__remake_desc *desc;
    const ft__format *from, *to;
    size_t n_cols, from_bytes, to_bytes; /* of a row */
    uint64_t first_row;
    size_t n_rows, part_rows;
    float *base, *w, *stored;  /* (n_rows, n_cols) as it was; with the change; as it will be read */
    uint8_t *out;              /* (n_rows, to_bytes) */
    ft__remake_part *parts;    /* (FT__REMAKE_PARTS) */
} ft__remake;

static bool ft__remake_finite(const float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!ft__finite((double)x[i])) return false;
    return true;
}

static void ft__remake_measure(ft__remade *sums, const float *base, const float *w, const float *stored, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const double change = (double)w[i] - (double)base[i], error = (double)stored[i] - (double)w[i];
        sums->weight += (double)base[i] * (double)base[i];
        sums->result += (double)w[i] * (double)w[i];
        sums->change += change * change;
        sums->error += error * error;
        sums->kept += ((double)stored[i] - (double)base[i]) * change;
    }
}

static void ft__remake_row(ft__remake *r, size_t row, ft__remake_part *part) {
    const ft__gguf_tensor *t = r->desc->from;
    const size_t n = r->n_cols;
    const uint8_t *bytes = t->data + (size_t)(r->first_row + row) * r->from_bytes;
    const float *base = r->base + row * n, *w = r->w + row * n;
    float *stored = r->stored + row * n;
    uint8_t *out = r->out + row * r->to_bytes;
    if (!ft__remake_finite(w, n)) {
        part->status = ft__fail(&part->err, FT_ERR_FORMAT, r->desc->where, "row %llu holds an infinity or a NaN",
                                (unsigned long long)(r->first_row + row));
        return;
    }
    /* what does not change keeps its bytes: encoding would not always find them again */
    if (r->from == r->to && memcmp(base, w, n * sizeof *w) == 0) memcpy(out, bytes, r->to_bytes);
    else r->to->encode(w, n, out);
    r->to->decode(out, n, stored);
    if (!ft__remake_finite(stored, n))
        part->status = ft__fail(&part->err, FT_ERR_UNSUPPORTED, r->desc->where, "row %llu holds numbers that are "
                                "too large for %s", (unsigned long long)(r->first_row + row), r->to->name);
    ft__remake_measure(&part->sums, base, w, stored, n);
}

static void ft__remake_one(void *user, int index) {
    ft__remake *r = (ft__remake *)user;
    ft__remake_part *part = &r->parts[index];
    const size_t first = (size_t)index * r->part_rows, n = r->n_cols;
    const size_t n_rows = r->n_rows - first < r->part_rows ? r->n_rows - first : r->part_rows;
    const uint64_t row = r->first_row + first;
    memset(part, 0, sizeof *part);
    r->from->decode(r->desc->from->data + (size_t)row * r->from_bytes, n_rows * n, r->base + first * n);
    memcpy(r->w + first * n, r->base + first * n, n_rows * n * sizeof *r->w);
    if (r->desc->change)
        part->status = r->desc->change(r->desc->user, row, n_rows, r->base + first * n, r->w + first * n, &part->err);
    for (size_t i = 0; i < n_rows && !part->status; i++) ft__remake_row(r, first + i, part);
}

static ft_status ft__remake_piece(ft__remake *r, ft__remade *sums, ft_error *err) {
    const size_t n_parts = (r->n_rows + r->part_rows - 1) / r->part_rows;
    ft__pool_run(r->desc->pool, ft__remake_one, r, (int)n_parts);
    for (size_t i = 0; i < n_parts; i++) {
        const ft__remake_part *part = &r->parts[i];
        if (part->status) return ft__fail(err, part->status, part->err.where, "%s", part->err.message);
        sums->weight += part->sums.weight;
        sums->result += part->sums.result;
        sums->change += part->sums.change;
        sums->error += part->sums.error;
        sums->kept += part->sums.kept;
    }
    return r->desc->put(r->desc->user, r->out, r->n_rows * r->to_bytes, err);
}

static ft_status ft__remake_check(ft__remake *r, ft_error *err) {
    const ft__remake_desc *desc = r->desc;
    if (!r->from->decode)
        return ft__fail(err, FT_ERR_UNSUPPORTED, desc->where, "type %s is not in this version", r->from->name);
    if (!r->to->encode)
        return ft__fail(err, FT_ERR_UNSUPPORTED, desc->where, "type %s can be read but not made; ask for another type",
                        r->to->name);
    if (r->n_cols % r->to->n_elements)
        return ft__fail(err, FT_ERR_UNSUPPORTED, desc->where, "rows of %zu do not fit %s, which wants multiples of %u",
                        r->n_cols, r->to->name, (unsigned)r->to->n_elements);
    return FT_OK;
}

static ft_status ft__remake_pieces(ft__remake *r, ft__remade *sums, ft_error *err) {
    const ft__gguf_tensor *t = r->desc->from;
    const uint64_t rows = t->ne[1] * t->ne[2] * t->ne[3];
    const size_t n = r->n_cols;
    r->part_rows = n < FT__REMAKE_PART ? FT__REMAKE_PART / n : 1;
    const size_t most = r->part_rows * FT__REMAKE_PARTS, room = rows < most ? (size_t)rows : most;
    size_t n_floats; /* the file has as many elements: they can be counted, if not always held */
    if (!ft__mul_size(room, n, &n_floats)) return ft__fail_memory(err);
    const ft_allocator *a = &r->desc->allocator;
    r->base = (float *)ft__alloc_zero(a, n_floats, sizeof *r->base);
    r->w = (float *)ft__alloc_zero(a, n_floats, sizeof *r->w);
    r->stored = (float *)ft__alloc_zero(a, n_floats, sizeof *r->stored);
    r->out = (uint8_t *)ft__alloc_zero(a, room, r->to_bytes);
    r->parts = (ft__remake_part *)ft__alloc_zero(a, FT__REMAKE_PARTS, sizeof *r->parts);
    ft_status status = FT_OK;
    if (!r->base || !r->w || !r->stored || !r->out || !r->parts) status = ft__fail_memory(err);
    for (; r->first_row < rows && !status; r->first_row += r->n_rows) {
        r->n_rows = rows - r->first_row < room ? (size_t)(rows - r->first_row) : room;
        status = ft__remake_piece(r, sums, err);
    }
    ft__free(a, r->base);
    ft__free(a, r->w);
    ft__free(a, r->stored);
    ft__free(a, r->out);
    ft__free(a, r->parts);
    return status;
}

FT__PRIV ft_status ft__remake_tensor(const ft__remake_desc *desc, ft__remade *sums, ft_error *err) {
    const ft__gguf_tensor *t = desc->from;
    ft__remake r;
    memset(&r, 0, sizeof r);
    memset(sums, 0, sizeof *sums);
    r.desc = desc;
    r.from = ft__format_find(t->type);
    r.to = ft__format_find(desc->type);
    r.n_cols = (size_t)t->ne[0];
    r.from_bytes = r.n_cols / r.from->n_elements * r.from->n_bytes;
    if (r.from == r.to && !desc->change) return desc->put(desc->user, t->data, (size_t)t->size, err);
    ft_status status = ft__remake_check(&r, err);
    if (status) return status;
    r.to_bytes = r.n_cols / r.to->n_elements * r.to->n_bytes;
    return ft__remake_pieces(&r, sums, err);
}
