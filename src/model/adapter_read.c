/* Reading an adapter.  For a tensor T of the model the file may hold
       T.lora_a (rank, inputs) and T.lora_b (outputs, rank)    the product is W x + factor B (A x); of experts one
                                                               each behind the other
       token_embd.weight.lora_a (tokens, rank)                 a row per token
       T.lora_scale (1)                                        the factor, else alpha / rank
       T.lora_bias (outputs)                                   behind B
       T.dora_scale (outputs)                                  DoRA (Liu et al. 2024): the length m of each row
                                                               of W' = m (W + factor B A) / |W + factor B A|
       T                                                       instead of the model's
   LoRA: Hu et al. 2021.  Each tensor must find its place: an adapter that touches nothing would be scored as if
   it were the base.  Where the head is the embedding, `output.weight` names the head alone and
   `token_embd.weight` the embedding alone: neither changes the other. */
#include "peft.h"

enum {
    FT__ADAPTER_A, FT__ADAPTER_B, FT__ADAPTER_FACTOR, FT__ADAPTER_BIAS, FT__ADAPTER_DORA, FT__ADAPTER_WHOLE,
    FT__ADAPTER_PARTS
};
static const char *const ft__adapter_suffixes[FT__ADAPTER_WHOLE] = {".lora_a", ".lora_b", ".lora_scale",
                                                                    ".lora_bias", ".dora_scale"};

/* What the file has for one tensor of the model. */
typedef struct ft__adapter_parts {
    const ft__gguf_tensor *of[FT__ADAPTER_PARTS]; /* NULL: not there */
} ft__adapter_parts;

typedef struct ft__adapter_reader {
    ft_adapter *a;
    const ft_model *m;
    ft__gguf g;
    ft_error *err;
    ft__pool *pool;           /* for DoRA, once it is needed */
    ft__adapter_parts *parts; /* (file.n_tensors + 1) of the model */
    float alpha;
    char where[512];
} ft__adapter_reader;

static const char *ft__adapter_where(ft__adapter_reader *r, const char *name) {
    snprintf(r->where, sizeof r->where, "%s: %s", r->g.path, name);
    return r->where;
}

/* ---- tensors to their places */

static ft_status ft__adapter_tensor(ft__adapter_reader *r, const ft__gguf_tensor *t) {
    char base[256];
    size_t n = strlen(t->name), part = 0;
    for (; part < FT__ADAPTER_WHOLE; part++) {
        const size_t n_suffix = strlen(ft__adapter_suffixes[part]);
        if (n <= n_suffix || strcmp(t->name + n - n_suffix, ft__adapter_suffixes[part]) != 0) continue;
        n -= n_suffix;
        break;
    }
    snprintf(base, sizeof base, "%.*s", (int)n, t->name);
    const int tensor = ft__model_tensor(r->m, base);
    if (tensor < 0)
        return ft__fail(r->err, FT_ERR_MISMATCH, ft__adapter_where(r, t->name),
                        "the model has no weight for this tensor");
    r->parts[tensor].of[part] = t;
    return FT_OK;
}

static void ft__adapter_shape_text(char text[96], const uint64_t *ne) {
    const char *const format = ne[3] != 1 ? "[%llu, %llu, %llu, %llu]" : ne[2] != 1 ? "[%llu, %llu, %llu]"
                                                                                    : "[%llu, %llu]";
    snprintf(text, 96, format, (unsigned long long)ne[0], (unsigned long long)ne[1], (unsigned long long)ne[2],
             (unsigned long long)ne[3]);
}

/* A part must have the shape (n0, n1, n2), which `what` says in words; 0 is the rank. */
static ft_status ft__adapter_shape(ft__adapter_reader *r, const ft__gguf_tensor *t, const ft__gguf_tensor *base,
                                   const char *what, uint64_t n0, uint64_t n1, uint64_t n2) {
    const uint64_t wanted[4] = {n0, n1, n2, 1};
    char found[96], of[96];
    bool fits = true;
    for (int i = 0; i < 4; i++) fits = fits && (wanted[i] ? t->ne[i] == wanted[i] : t->ne[i] - 1 < 65536);
    if (fits) return FT_OK;
    ft__adapter_shape_text(found, t->ne);
    ft__adapter_shape_text(of, base->ne);
    return ft__fail(r->err, FT_ERR_MISMATCH, ft__adapter_where(r, t->name),
                    "found shape %s, expected %s of the model's weight %s", found, what, of);
}

/* ---- numbers */

/* Elements first .. first + n, all of them finite. */
static ft_status ft__adapter_decode(ft__adapter_reader *r, const ft__gguf_tensor *t, uint64_t first, size_t n,
                                    float *out) {
    const ft__format *format = ft__format_find(t->type);
    if (!format->decode)
        return ft__fail(r->err, FT_ERR_UNSUPPORTED, ft__adapter_where(r, t->name),
                        "type %s is not in this version", format->name);
    format->decode(t->data + first / format->n_elements * format->n_bytes, n, out);
    for (size_t i = 0; i < n; i++)
        if (!ft__finite((double)out[i]))
            return ft__fail(r->err, FT_ERR_FORMAT, ft__adapter_where(r, t->name), "holds an infinity or a NaN");
    return FT_OK;
}

static size_t ft__adapter_count(const ft__gguf_tensor *t) { return (size_t)(t->ne[0] * t->ne[1] * t->ne[2]); }

/* The whole tensor as floats of the adapter's; NULL where it is absent. */
static ft_status ft__adapter_floats(ft__adapter_reader *r, const ft__gguf_tensor *t, const float **out) {
    if (!t) return FT_OK;
    const size_t n = ft__adapter_count(t);
    float *values = (float *)ft__arena_alloc(&r->a->arena, n, sizeof *values);
    if (!values) return ft__fail_memory(r->err);
    *out = values;
    return ft__adapter_decode(r, t, 0, n, values);
}

/* ---- DoRA's gains, in double, from the model's rows as the file has them */

typedef struct ft__dora_job {
    const ft__gguf_tensor *base;
    const ft__change *c;
    float *b, *gain;      /* (n_out, rank); (n_out) with m at first */
    float *rows;          /* (n_parts, n_in) */
    double *sums;         /* (n_parts, n_in) */
    int n_parts, bad;     /* bad: atomic */
} ft__dora_job;

static void ft__dora_part(void *user, int part) {
    ft__dora_job *j = (ft__dora_job *)user;
    const size_t n_in = (size_t)j->c->n_in, rank = (size_t)j->c->rank;
    const ft__format *format = ft__format_find(j->base->type);
    const size_t row_bytes = n_in / format->n_elements * format->n_bytes;
    float *row = j->rows + (size_t)part * n_in;
    double *sum = j->sums + (size_t)part * n_in;
    for (size_t o = (size_t)part; o < (size_t)j->c->n_out; o += (size_t)j->n_parts) {
        float *b = j->b + o * rank;
        double squares = 0;
        format->decode(j->base->data + o * row_bytes, n_in, row);
        for (size_t i = 0; i < n_in; i++) sum[i] = (double)row[i];
        for (size_t k = 0; k < rank; k++) {
            const double factor = (double)j->c->factor * (double)b[k];
            for (size_t i = 0; i < n_in; i++) sum[i] += factor * (double)j->c->a[k * n_in + i];
        }
        for (size_t i = 0; i < n_in; i++) squares += sum[i] * sum[i];
        const double gain = squares > 0 ? (double)j->gain[o] / ft__sqrt(squares) : 0;
        j->gain[o] = (float)(gain - 1);
        for (size_t k = 0; k < rank; k++) b[k] = (float)(gain * (double)b[k]);
        if (!(squares > 0) || !ft__finite((double)j->gain[o])) __atomic_store_n(&j->bad, 1, __ATOMIC_RELAXED);
    }
}

/* c->gain, and the gain of each row into B's (outputs, rank), where they then add up to the same. */
static ft_status ft__adapter_dora(ft__adapter_reader *r, const ft__gguf_tensor *t, const ft__gguf_tensor *base,
                                  ft__change *c, float *b) {
    ft__dora_job job = {base, c, b, NULL, NULL, NULL, 0, 0};
    if (!r->pool) r->pool = ft__pool_create(ft__cpu_count(), &r->m->allocator, r->err);
    if (!r->pool) return r->err ? r->err->code : FT_ERR_THREAD;
    ft_status status = ft__adapter_floats(r, t, &c->gain);
    if (status) return status;
    job.gain = (float *)(uintptr_t)c->gain;
    job.n_parts = ft__pool_size(r->pool);
    const size_t n = (size_t)job.n_parts * (size_t)c->n_in;
    job.rows = (float *)ft__alloc_zero(&r->m->allocator, n, sizeof *job.rows);
    job.sums = (double *)ft__alloc_zero(&r->m->allocator, n, sizeof *job.sums);
    if (job.rows && job.sums) ft__pool_run(r->pool, ft__dora_part, &job, job.n_parts);
    else status = ft__fail_memory(r->err);
    ft__free(&r->m->allocator, job.rows);
    ft__free(&r->m->allocator, job.sums);
    if (!status && job.bad)
        return ft__fail(r->err, FT_ERR_FORMAT, ft__adapter_where(r, t->name),
                        "a row of the weight with its change has no length");
    return status;
}

/* ---- one change */

/* Whether the tensor is a linear map, or several. */
static bool ft__adapter_is_map(const ft_model *m, int tensor) {
    for (int i = 0; i < m->n_maps; i++)
        if (m->maps[i].linear->tensor == tensor) return true;
    return false;
}

/* B as the file has it (outputs, rank) to c->b. */
static void ft__adapter_turn(const ft_model *m, const ft__change *c, const float *b, float *turned) {
    const size_t rank = (size_t)c->rank;
    if (c->embedding)
        for (size_t o = 0; o < (size_t)c->n_in; o++)
            for (size_t k = 0; k < rank; k++) turned[k * (size_t)c->n_in + o] = b[o * rank + k];
    for (int i = 0; i < m->n_maps && !c->embedding; i++) {
        const ft__linear *l = m->maps[i].linear;
        if (l->tensor != c->tensor) continue;
        const size_t n = (size_t)(l->w.n_rows / m->maps[i].n_slices);
        for (size_t row = 0; row < (size_t)l->w.n_rows; row++) {
            const size_t at = (size_t)l->first_row + row, first = at - row % n;
            for (size_t k = 0; k < rank; k++) turned[rank * first + k * n + row % n] = b[at * rank + k];
        }
    }
}

static ft_status ft__adapter_factor_b(ft__adapter_reader *r, const ft__adapter_parts *p,
                                      const ft__gguf_tensor *base, ft__change *c) {
    const size_t n = ft__adapter_count(p->of[FT__ADAPTER_B]);
    float *turned = (float *)ft__arena_alloc(&r->a->arena, n, sizeof *turned);
    float *b = turned ? (float *)ft__alloc_zero(&r->m->allocator, n, sizeof *b) : NULL;
    ft_status status = b ? FT_OK : ft__fail_memory(r->err);
    if (!status) status = ft__adapter_decode(r, p->of[FT__ADAPTER_B], 0, n, b);
    if (!status && p->of[FT__ADAPTER_DORA]) status = ft__adapter_dora(r, p->of[FT__ADAPTER_DORA], base, c, b);
    if (!status) ft__adapter_turn(r->m, c, b, turned);
    ft__free(&r->m->allocator, b);
    c->b = turned;
    return status;
}

static ft_status ft__adapter_shapes(ft__adapter_reader *r, const ft__adapter_parts *p, const ft__gguf_tensor *base,
                                    const ft__change *c) {
    const uint64_t n_in = base->ne[0], n_out = base->ne[1], depth = base->ne[2];
    const ft__gguf_tensor *a = p->of[FT__ADAPTER_A], *b = p->of[FT__ADAPTER_B], *t;
    ft_status status = FT_OK;
    if (c->embedding) {
        status = ft__adapter_shape(r, a, base, "[rank, tokens]", 0, n_out, 1);
        if (!status) status = ft__adapter_shape(r, b, base, "[rank, width]", 0, n_in, 1);
    } else {
        status = ft__adapter_shape(r, a, base, depth > 1 ? "[inputs, rank, experts]" : "[inputs, rank]", n_in, 0,
                                   depth);
        if (!status)
            status = ft__adapter_shape(r, b, base, depth > 1 ? "[rank, outputs, experts]" : "[rank, outputs]", 0,
                                       n_out, depth);
    }
    if (!status && a->ne[c->embedding ? 0 : 1] != b->ne[0])
        status = ft__fail(r->err, FT_ERR_FORMAT, ft__adapter_where(r, base->name),
                          "lora_a has rank %d, lora_b %d", (int)a->ne[c->embedding ? 0 : 1], (int)b->ne[0]);
    if (!status && (t = p->of[FT__ADAPTER_FACTOR])) status = ft__adapter_shape(r, t, base, "[1, 1]", 1, 1, 1);
    for (int i = FT__ADAPTER_BIAS; i <= FT__ADAPTER_DORA && !status; i++)
        if ((t = p->of[i])) status = ft__adapter_shape(r, t, base, "[outputs, 1]", n_out, 1, 1);
    return status;
}

/* Factors that are all there and of a kind that is known here. */
static ft_status ft__adapter_check_factors(ft__adapter_reader *r, const ft__adapter_parts *p,
                                           const ft__gguf_tensor *base, const ft__change *c) {
    for (int i = FT__ADAPTER_A; i <= FT__ADAPTER_B; i++)
        if (!p->of[i])
            return ft__fail(r->err, FT_ERR_FORMAT, ft__adapter_where(r, base->name), "%s is missing",
                            ft__adapter_suffixes[i] + 1);
    for (int i = FT__ADAPTER_BIAS; i <= FT__ADAPTER_DORA; i++)
        if (p->of[i] && (c->embedding || c->depth > 1))
            return ft__fail(r->err, FT_ERR_UNSUPPORTED, ft__adapter_where(r, p->of[i]->name),
                            "it is not in this version for %s", c->embedding ? "embeddings" : "experts");
    if (p->of[FT__ADAPTER_BIAS] && p->of[FT__ADAPTER_DORA])
        return ft__fail(r->err, FT_ERR_UNSUPPORTED, ft__adapter_where(r, p->of[FT__ADAPTER_BIAS]->name),
                        "DoRA with a bias behind lora_b is not in this version");
    return FT_OK;
}

static ft_status ft__adapter_factors(ft__adapter_reader *r, const ft__adapter_parts *p, const ft__gguf_tensor *base,
                                     ft__change *c) {
    const float *factor = NULL;
    ft_status status = ft__adapter_check_factors(r, p, base, c);
    if (!status) status = ft__adapter_shapes(r, p, base, c);
    if (!status) status = ft__adapter_floats(r, p->of[FT__ADAPTER_FACTOR], &factor);
    if (status) return status;
    c->rank = (int)p->of[FT__ADAPTER_B]->ne[0];
    if (c->rank > r->a->max_rank) r->a->max_rank = c->rank;
    c->factor = factor ? *factor : r->alpha != 0 ? r->alpha / (float)c->rank : 1;
    status = ft__adapter_floats(r, p->of[FT__ADAPTER_A], &c->a);
    if (!status) status = ft__adapter_floats(r, p->of[FT__ADAPTER_BIAS], &c->bias);
    return status ? status : ft__adapter_factor_b(r, p, base, c);
}

/* Another matrix: floats as the file has them, other formats as floats of 32 bits, since int8 activations lie
   ready in the model's own layout only. */
static ft_status ft__adapter_whole(ft__adapter_reader *r, const ft__gguf_tensor *t, ft__change *c) {
    const ft__format *format = ft__format_find(t->type), *f32 = ft__format_find(FT__FORMAT_F32);
    const size_t n_in = (size_t)c->n_in, n_rows = (size_t)c->n_out * (size_t)c->depth;
    const bool kept = format->n_elements == 1 && format->decode && r->m->kernels.rows[format->id];
    const size_t row_bytes = kept ? n_in * format->n_bytes : n_in * sizeof(float);
    uint8_t *data = (uint8_t *)ft__arena_alloc(&r->a->arena, n_rows, row_bytes);
    float *row = data ? (float *)ft__alloc_zero(&r->m->allocator, n_in, sizeof *row) : NULL;
    ft_status status = row ? FT_OK : ft__fail_memory(r->err);
    for (size_t i = 0; i < n_rows && !status; i++) {
        status = ft__adapter_decode(r, t, i * n_in, n_in, row);
        memcpy(data + i * row_bytes, kept ? t->data + i * row_bytes : (const uint8_t *)row, row_bytes);
    }
    ft__free(&r->m->allocator, row);
    c->whole.format = kept ? format : f32;
    c->whole.data = data;
    c->whole.n_rows = (int)n_rows;
    c->whole.n_cols = c->n_in;
    c->whole.row_bytes = row_bytes;
    return status;
}

/* The norms of a layer that the forward pass asks ft__forward_vector for. */
static const size_t ft__adapter_norms[] = {
    offsetof(ft__layer, attn_norm), offsetof(ft__layer, attn_post_norm), offsetof(ft__layer, ffn_norm),
    offsetof(ft__layer, ffn_post_norm), offsetof(ft__layer, q_norm), offsetof(ft__layer, k_norm),
    offsetof(ft__layer, q_a_norm), offsetof(ft__layer, kv_a_norm), offsetof(ft__layer, delta_norm),
    offsetof(ft__layer, expert_norm), offsetof(ft__layer, unit_post_norm), offsetof(ft__layer, expert_post_norm),
    offsetof(ft__layer, own_norm)};

/* Whether this vector (n) is such a norm, or the bias of a map. */
static bool ft__adapter_is_vector(const ft_model *m, const float *v, size_t n) {
    if (v == m->output_norm || v == m->own_map_norm) return true;
    for (int i = 0; i < m->n_maps; i++)
        if (m->maps[i].linear->bias >= v && m->maps[i].linear->bias < v + n) return true;
    for (int i = 0; i < m->info.n_layers; i++)
        for (size_t k = 0; k < FT__COUNT(ft__adapter_norms); k++) {
            const float *norm;
            memcpy(&norm, (const char *)&m->layers[i] + ft__adapter_norms[k], sizeof norm);
            if (norm == v) return true;
        }
    return false;
}

static ft_status ft__adapter_vector(ft__adapter_reader *r, const ft__gguf_tensor *t, ft__change *c) {
    const float *v = c->tensor < (int)r->m->file.n_tensors ? r->m->vectors[c->tensor] : NULL;
    c->n_vector = (size_t)c->n_in * (size_t)c->n_out;
    if (!v || !ft__adapter_is_vector(r->m, v, c->n_vector))
        return ft__fail(r->err, FT_ERR_UNSUPPORTED, ft__adapter_where(r, t->name),
                        "changes of this tensor are not in this version");
    c->replaces = v;
    r->a->n_vectors++;
    return ft__adapter_floats(r, t, &c->vector);
}

static ft_status ft__adapter_change_read(ft__adapter_reader *r, int tensor) {
    const ft__adapter_parts *p = &r->parts[tensor];
    const ft_model *m = r->m;
    const bool tied = tensor == (int)m->file.n_tensors; /* the head's rows are the embedding's */
    const ft__gguf_tensor *base = &m->file.tensors[tied ? m->embedding.tensor : tensor], *any = NULL;
    ft__gguf_tensor head = *base; /* under its own name, for errors */
    head.name = ft__model_tensor_name(m, tensor);
    base = &head;
    int n_parts = 0;
    for (int i = 0; i < FT__ADAPTER_PARTS; i++)
        if (p->of[i]) any = p->of[i], n_parts++;
    if (!any) return FT_OK;
    ft__change *c = &r->a->changes[r->a->n_changes++];
    r->a->change_of[tensor] = c;
    c->tensor = tensor;
    c->embedding = tensor == m->embedding.tensor;
    const bool takes_factors = c->embedding || ft__adapter_is_map(m, tensor);
    const ft__gguf_tensor *whole = p->of[FT__ADAPTER_WHOLE];
    if (whole && n_parts > 1)
        return ft__fail(r->err, FT_ERR_FORMAT, ft__adapter_where(r, head.name),
                        "there are factors of it and a tensor in its place");
    if (!takes_factors && !whole)
        return ft__fail(r->err, FT_ERR_UNSUPPORTED, ft__adapter_where(r, any->name),
                        "changes of this tensor are not in this version");
    if (whole) {
        ft_status status = ft__adapter_shape(r, whole, base, "that", base->ne[0], base->ne[1], base->ne[2]);
        if (status) return status;
    }
    c->n_in = (int)base->ne[0]; /* they fit: the model has been read */
    c->n_out = (int)base->ne[1];
    c->depth = (int)base->ne[2];
    if (!whole) return ft__adapter_factors(r, p, base, c);
    return takes_factors ? ft__adapter_whole(r, whole, c) : ft__adapter_vector(r, whole, c);
}

/* ---- the file */

/* What the file says about itself has to fit before any tensor is looked at. */
static ft_status ft__adapter_check(ft__adapter_reader *r) {
    static const char *const keys[3] = {"general.type", "adapter.type", "general.architecture"};
    const char *const expected[3] = {"adapter", "lora", r->m->info.architecture};
    double alpha = 0;
    for (int i = 0; i < 3; i++) {
        ft__gguf_str found = {"", 0};
        ft_status status = ft__gguf_string(&r->g, keys[i], &found, r->err);
        if (status) return status;
        if (!ft__text_equal(found.data, found.len, expected[i], strlen(expected[i])))
            return ft__fail(r->err, i == 2 ? FT_ERR_MISMATCH : FT_ERR_FORMAT, r->g.path,
                            "%s: found \"%.*s\", expected \"%s\"", keys[i],
                            (int)(found.len > 64 ? 64 : found.len), found.data, expected[i]);
    }
    if (ft__gguf_key(&r->g, "adapter.alora.invocation_tokens"))
        return ft__fail(r->err, FT_ERR_UNSUPPORTED, r->g.path,
                        "adapter.alora.invocation_tokens: an adapter that acts after some tokens only is not in "
                        "this version");
    ft_status status = ft__gguf_float(&r->g, "adapter.lora.alpha", &alpha, r->err);
    r->alpha = (float)alpha;
    if (!status && !ft__finite((double)r->alpha))
        status = ft__fail(r->err, FT_ERR_FORMAT, r->g.path, "adapter.lora.alpha is not finite");
    return status;
}

static ft_status ft__adapter_read(ft__adapter_reader *r) {
    ft_adapter *a = r->a;
    const size_t n = r->m->file.n_tensors + 1;
    ft_status status = ft__adapter_check(r);
    if (status) return status;
    a->change_of = (ft__change **)ft__arena_alloc(&a->arena, n, sizeof *a->change_of);
    a->changes = (ft__change *)ft__arena_alloc(&a->arena, r->g.n_tensors, sizeof *a->changes);
    r->parts = (ft__adapter_parts *)ft__alloc_zero(&r->m->allocator, n, sizeof *r->parts);
    if (!a->change_of || !a->changes || !r->parts) return ft__fail_memory(r->err);
    for (size_t i = 0; i < r->g.n_tensors && !status; i++) status = ft__adapter_tensor(r, &r->g.tensors[i]);
    for (size_t i = 0; i < n && !status; i++) status = ft__adapter_change_read(r, (int)i);
    if (!status && !a->n_changes)
        status = ft__fail(r->err, FT_ERR_MISMATCH, r->g.path, "the adapter holds no tensors");
    return status;
}

/* A file, or a folder made into one. */
static ft_status ft__adapter_open(ft__gguf *g, const char *path, const ft_model *m, ft_error *err) {
    if (ft__is_folder(path)) return ft__peft_open(g, path, m, err);
    return ft__split_gguf_open(g, path, &m->allocator, err);
}

ft_adapter *ft_adapter_load(const ft_model *model, const char *path, ft_error *err) {
    ft__adapter_reader r;
    memset(&r, 0, sizeof r);
    r.m = model;
    r.err = err;
    if (!model->layers) {
        ft__fail(err, FT_ERR_ARGUMENT, path, "the model was loaded without its weights");
        return NULL;
    }
    if (ft__adapter_open(&r.g, path, model, err)) return NULL;
    r.a = (ft_adapter *)ft__alloc_zero(&model->allocator, 1, sizeof *r.a);
    ft_status status = r.a ? FT_OK : ft__fail_memory(err);
    if (!status) {
        r.a->model = model;
        ft__arena_init(&r.a->arena, &model->allocator);
        status = ft__adapter_read(&r);
    }
    ft__pool_free(r.pool);
    ft__free(&model->allocator, r.parts);
    ft__gguf_close(&r.g);
    if (!status) return r.a;
    ft_adapter_free(r.a);
    return NULL;
}
