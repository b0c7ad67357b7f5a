/* Loading a model: metadata to hyper-parameters, tensors to their places.  Every tensor is looked up by
   name with the shape it must have, and every tensor of the file must have been asked for: a file with
   parts that this code does not know would otherwise compute something subtly else. */
#include "model.h"

typedef struct ft__loader {
    ft_model *m;
    ft_error *err;
    bool *used;       /* (file.n_tensors) */
    char name[128];   /* of the tensor last asked for */
    char where[384];
} ft__loader;

static const char *const ft__weights_architectures[] = {"llama"};

static const char *const ft__weights_modules[FT__MODULES] = {
    "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down", "output"};

FT__PRIV const char *ft__module_name(ft__module m) { return ft__weights_modules[m]; }

FT__PRIV const ft__linear *ft__model_linear(const ft_model *m, int layer, ft__module module) {
    return module == FT__HEAD ? &m->output : &m->layers[layer].module[module];
}

/* "file: key" of an architecture's key. */
static const char *ft__weights_key(ft__loader *l, const char *key) {
    snprintf(l->name, sizeof l->name, "%s.%s", l->m->info.architecture, key);
    return l->name;
}

static ft_status ft__weights_int(ft__loader *l, const char *key, int lowest, int highest, int *value) {
    int64_t wide = *value;
    ft_status status =
        ft__gguf_int(&l->m->file, ft__weights_key(l, key), lowest, highest, &wide, l->err);
    if (!status && (wide < lowest || wide > highest)) /* absent, and there is no default */
        status = ft__fail(l->err, FT_ERR_FORMAT, l->m->file.path, "the key %s is missing", l->name);
    *value = (int)wide;
    return status;
}

static ft_status ft__weights_float(ft__loader *l, const char *key, double *value) {
    ft_status status = ft__gguf_float(&l->m->file, ft__weights_key(l, key), value, l->err);
    if (!status && !ft__finite(*value))
        status = ft__fail(l->err, FT_ERR_FORMAT, l->m->file.path, "%s is not finite", l->name);
    return status;
}

/* Finds a tensor and checks its shape (rows of cols, times depth).  Optional ones may be absent: then
   *out is NULL. */
static ft_status ft__weights_find(ft__loader *l, const char *name, uint64_t cols, uint64_t rows,
                                  uint64_t depth, bool optional, const ft__gguf_tensor **out) {
    const ft__gguf_tensor *t = *out = ft__gguf_find(&l->m->file, name);
    snprintf(l->where, sizeof l->where, "%s: %s", l->m->file.path, name);
    if (!t && optional) return FT_OK;
    if (!t) return ft__fail(l->err, FT_ERR_FORMAT, l->where, "the tensor is missing");
    if (t->ne[0] != cols || t->ne[1] != rows || t->ne[2] != depth || t->ne[3] != 1)
        return ft__fail(l->err, FT_ERR_FORMAT, l->where,
                        "found shape [%llu, %llu, %llu, %llu], expected [%llu, %llu, %llu, 1]",
                        (unsigned long long)t->ne[0], (unsigned long long)t->ne[1],
                        (unsigned long long)t->ne[2], (unsigned long long)t->ne[3],
                        (unsigned long long)cols, (unsigned long long)rows, (unsigned long long)depth);
    l->used[t - l->m->file.tensors] = true;
    return FT_OK;
}

/* A small tensor as floats of our own. */
static ft_status ft__weights_vector(ft__loader *l, const char *name, int n, bool optional, float **out) {
    const ft__gguf_tensor *t;
    ft_status status = ft__weights_find(l, name, (uint64_t)n, 1, 1, optional, &t);
    *out = NULL;
    if (status || !t) return status;
    const ft__format *format = ft__format_find(t->type);
    if (!format->decode)
        return ft__fail(l->err, FT_ERR_UNSUPPORTED, l->where, "type %s is not in this version",
                        format->name);
    *out = (float *)ft__arena_alloc(&l->m->arena, (size_t)n, sizeof **out);
    if (!*out) return ft__fail_memory(l->err);
    format->decode(t->data, (size_t)n, *out);
    return FT_OK;
}

static ft_status ft__weights_matrix(ft__loader *l, const char *name, int cols, int rows, int depth,
                                    bool optional, ft__matrix *w) {
    const ft__gguf_tensor *t;
    ft_status status = ft__weights_find(l, name, (uint64_t)cols, (uint64_t)rows, (uint64_t)depth,
                                        optional, &t);
    if (status || !t) return status;
    const ft__format *format = ft__format_find(t->type);
    if (!format->decode || !l->m->kernels.rows[format->id])
        return ft__fail(l->err, FT_ERR_UNSUPPORTED, l->where, "weights of type %s are not in this version",
                        format->name);
    if (rows > INT_MAX / depth)
        return ft__fail(l->err, FT_ERR_LIMIT, l->where, "more rows than this version can count");
    w->format = format;
    w->data = t->data;
    w->n_rows = rows * depth;
    w->n_cols = cols;
    w->row_bytes = (size_t)cols / format->n_elements * format->n_bytes;
    return FT_OK;
}

static const char *ft__weights_name(ft__loader *l, int layer, const char *module, const char *suffix) {
    if (layer < 0) snprintf(l->name, sizeof l->name, "%s.%s", module, suffix);
    else snprintf(l->name, sizeof l->name, "blk.%d.%s.%s", layer, module, suffix);
    return l->name;
}

static ft_status ft__weights_linear(ft__loader *l, int layer, const char *module, int cols, int rows,
                                    bool optional, ft__linear *out) {
    const char *name = ft__weights_name(l, layer, module, "weight");
    ft_status status = ft__weights_matrix(l, name, cols, rows, 1, optional, &out->w);
    if (status || !out->w.format) return status;
    return ft__weights_vector(l, ft__weights_name(l, layer, module, "bias"), rows, true, &out->bias);
}

/* Rows first .. first + n of a linear map, as one of its own. */
static ft__linear ft__weights_rows(const ft__linear *whole, int first, int n) {
    ft__linear part = *whole;
    part.w.data += (size_t)first * part.w.row_bytes;
    part.w.n_rows = n;
    if (part.bias) part.bias += first;
    return part;
}

/* Some files hold q, k and v as one tensor, rows in this order. */
static ft_status ft__weights_qkv(ft__loader *l, int layer, int n_q, int n_kv) {
    ft__linear *module = l->m->layers[layer].module, all;
    memset(&all, 0, sizeof all);
    ft_status status =
        ft__weights_linear(l, layer, "attn_qkv", l->m->info.n_embd, n_q + 2 * n_kv, true, &all);
    if (status || !all.w.format) return status;
    module[FT__Q] = ft__weights_rows(&all, 0, n_q);
    module[FT__K] = ft__weights_rows(&all, n_q, n_kv);
    module[FT__V] = ft__weights_rows(&all, n_q + n_kv, n_kv);
    return FT_OK;
}

static ft_status ft__weights_experts(ft__loader *l, int layer) {
    static const char *const names[3] = {"ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"};
    const ft_model_info *info = &l->m->info;
    ft__layer *at = &l->m->layers[layer];
    ft_status status = ft__weights_matrix(l, ft__weights_name(l, layer, "ffn_gate_inp", "weight"),
                                          info->n_embd, info->n_experts, 1, false, &at->router);
    for (int i = 0; i < 3 && !status; i++) {
        int cols = i < 2 ? info->n_embd : info->n_ff, rows = i < 2 ? info->n_ff : info->n_embd;
        status = ft__weights_matrix(l, ft__weights_name(l, layer, names[i], "weight"), cols, rows,
                                    info->n_experts, false, &at->expert[i]);
    }
    return status;
}

static ft_status ft__weights_layer(ft__loader *l, int layer) {
    const ft_model_info *info = &l->m->info;
    const int D = info->n_embd, F = info->n_ff;
    const int n_q = info->n_heads * info->head_dim, n_kv = info->n_kv_heads * info->head_dim;
    const int cols[FT__LAYER_MODULES] = {D, D, D, n_q, D, D, F};
    const int rows[FT__LAYER_MODULES] = {n_q, n_kv, n_kv, D, F, F, D};
    ft__layer *at = &l->m->layers[layer];
    ft_status status =
        ft__weights_vector(l, ft__weights_name(l, layer, "attn_norm", "weight"), D, false, &at->attn_norm);
    if (!status)
        status = ft__weights_vector(l, ft__weights_name(l, layer, "ffn_norm", "weight"), D, false,
                                    &at->ffn_norm);
    if (!status) status = ft__weights_qkv(l, layer, n_q, n_kv);
    for (int i = 0; i < FT__LAYER_MODULES && !status; i++) {
        if (at->module[i].w.format || (info->n_experts && i >= FT__GATE)) continue;
        status = ft__weights_linear(l, layer, ft__weights_modules[i], cols[i], rows[i], false,
                                    &at->module[i]);
    }
    if (!status && info->n_experts) status = ft__weights_experts(l, layer);
    return status;
}

/* YaRN (Peng et al. 2023): fast dimensions keep their angle, slow ones are divided by the factor, those
   between are mixed; the two ends are where a wavelength fits 32 times or once into the context. */
static void ft__weights_yarn(ft_model *m, double base, double factor, double original) {
    const double two_pi = 6.283185307179586, n_rot = m->n_rot;
    double ends[2];
    for (int i = 0; i < 2; i++)
        ends[i] = n_rot * ft__log(original / ((i ? 1.0 : 32.0) * two_pi)) / (2 * ft__log(base));
    double lo = ft__floor(ends[0]), hi = -ft__floor(-ends[1]);
    if (lo < 0) lo = 0;
    if (hi > n_rot - 1) hi = n_rot - 1;
    double width = hi - lo < 0.001 ? 0.001 : hi - lo;
    for (int i = 0; i < m->n_rot / 2; i++) {
        double slow = (i - lo) / width;
        slow = slow < 0 ? 0 : slow > 1 ? 1 : slow;
        m->rope_freq[i] *= (1 - slow) + slow / factor;
    }
}

static ft_status ft__weights_rope(ft__loader *l) {
    ft_model *m = l->m;
    double base = 10000, factor = 1, original = m->info.n_ctx, attn_factor = 1;
    float *divide = NULL;
    ft__gguf_str type = {"linear", 6};
    m->n_rot = m->info.head_dim;
    ft_status status = ft__weights_int(l, "rope.dimension_count", 2, m->info.head_dim, &m->n_rot);
    if (!status) status = ft__weights_float(l, "rope.freq_base", &base);
    if (!status) status = ft__weights_float(l, "rope.scaling.factor", &factor);
    if (!status) status = ft__weights_float(l, "rope.scaling.original_context_length", &original);
    if (!status) status = ft__weights_float(l, "rope.scaling.attn_factor", &attn_factor);
    if (!status)
        status = ft__gguf_string(&m->file, ft__weights_key(l, "rope.scaling.type"), &type, l->err);
    if (!status && (base <= 1 || factor <= 0 || original < 1 || m->n_rot % 2))
        status = ft__fail(l->err, FT_ERR_FORMAT, m->file.path, "the rope parameters make no sense");
    if (!status) status = ft__weights_vector(l, "rope_freqs.weight", m->n_rot / 2, true, &divide);
    if (status) return status;
    m->rope_freq = (double *)ft__arena_alloc(&m->arena, (size_t)m->n_rot / 2, sizeof(double));
    if (!m->rope_freq) return ft__fail_memory(l->err);
    for (int i = 0; i < m->n_rot / 2; i++) {
        m->rope_freq[i] = ft__pow(base, -2.0 * i / m->n_rot);
        if (divide) m->rope_freq[i] /= (double)divide[i];
    }
    double scale = attn_factor;
    if (ft__text_equal(type.data, type.len, "yarn", 4)) {
        ft__weights_yarn(m, base, factor, original);
        if (factor > 1) scale *= 1 + 0.1 * ft__log(factor);
    } else if (ft__text_equal(type.data, type.len, "linear", 6)) {
        for (int i = 0; i < m->n_rot / 2; i++) m->rope_freq[i] /= factor;
    } else if (!ft__text_equal(type.data, type.len, "none", 4)) {
        return ft__fail(l->err, FT_ERR_UNSUPPORTED, m->file.path,
                        "llama.rope.scaling.type: found \"%.*s\", expected none, linear or yarn",
                        (int)(type.len > 32 ? 32 : type.len), type.data);
    }
    for (int i = 0; i < m->n_rot / 2; i++) /* angles must stay where sin and cos are computed */
        if (!(m->rope_freq[i] >= 0 && m->rope_freq[i] <= 64))
            return ft__fail(l->err, FT_ERR_FORMAT, m->file.path,
                            "rope frequency %d is not between 0 and 64 radians per position", i);
    m->rope_scale = (float)scale;
    return FT_OK;
}

static ft_status ft__weights_shape(ft__loader *l) {
    ft_model_info *info = &l->m->info;
    int value_length = 0;
    double eps = -1;
    ft_status status = ft__weights_int(l, "block_count", 1, 4096, &info->n_layers);
    if (!status) status = ft__weights_int(l, "context_length", 1, 1 << 28, &info->n_ctx);
    if (!status) status = ft__weights_int(l, "embedding_length", 1, 1 << 20, &info->n_embd);
    if (!status) status = ft__weights_int(l, "feed_forward_length", 1, 1 << 24, &info->n_ff);
    if (!status) status = ft__weights_int(l, "attention.head_count", 1, 4096, &info->n_heads);
    info->n_kv_heads = info->n_heads;
    if (!status)
        status = ft__weights_int(l, "attention.head_count_kv", 1, info->n_heads, &info->n_kv_heads);
    info->head_dim = status ? 0 : info->n_embd / info->n_heads;
    if (!status) status = ft__weights_int(l, "attention.key_length", 2, 512, &info->head_dim);
    value_length = info->head_dim;
    if (!status) status = ft__weights_int(l, "attention.value_length", 2, 512, &value_length);
    if (!status) status = ft__weights_int(l, "expert_count", 0, 1024, &info->n_experts);
    if (!status && info->n_experts)
        status = ft__weights_int(l, "expert_used_count", 1, info->n_experts, &info->n_experts_used);
    if (!status) status = ft__weights_float(l, "attention.layer_norm_rms_epsilon", &eps);
    if (status) return status;
    if (eps < 0 || eps > 1)
        return ft__fail(l->err, FT_ERR_FORMAT, l->m->file.path, "%s: expected a number from 0 to 1", l->name);
    if (info->n_heads % info->n_kv_heads || value_length != info->head_dim)
        return ft__fail(l->err, FT_ERR_FORMAT, l->m->file.path,
                        "%d heads over %d KV heads, key length %d, value length %d: expected a whole "
                        "ratio and equal lengths", info->n_heads, info->n_kv_heads, info->head_dim,
                        value_length);
    l->m->norm_eps = (float)eps;
    return FT_OK;
}

/* The vocabulary's size: the embedding's rows, which the tokens and the key must agree with. */
static ft_status ft__weights_vocab_size(ft__loader *l) {
    ft_model *m = l->m;
    const ft__gguf_tensor *t = ft__gguf_find(&m->file, "token_embd.weight");
    int n = m->info.n_vocab;
    if (t && t->ne[1] <= INT_MAX && !n) n = (int)t->ne[1];
    m->info.n_vocab = n;
    ft_status status = ft__weights_int(l, "vocab_size", 1, INT_MAX, &n);
    if (!status && n != m->info.n_vocab)
        status = ft__fail(l->err, FT_ERR_FORMAT, m->file.path, "%s is %d, but there are %d tokens",
                          l->name, n, m->info.n_vocab);
    return status;
}

static ft_status ft__weights_tensors(ft__loader *l) {
    ft_model *m = l->m;
    const int D = m->info.n_embd, V = m->info.n_vocab;
    ft_status status = ft__weights_matrix(l, "token_embd.weight", D, V, 1, false, &m->embedding);
    if (!status) status = ft__weights_vector(l, "output_norm.weight", D, false, &m->output_norm);
    if (!status) status = ft__weights_linear(l, -1, "output", D, V, true, &m->output);
    if (!status && !m->output.w.format) m->output.w = m->embedding;
    for (int i = 0; i < m->info.n_layers && !status; i++) status = ft__weights_layer(l, i);
    for (size_t i = 0; i < m->file.n_tensors && !status; i++) {
        if (l->used[i]) continue;
        snprintf(l->where, sizeof l->where, "%s: %s", m->file.path, m->file.tensors[i].name);
        status = ft__fail(l->err, FT_ERR_UNSUPPORTED, l->where,
                          "this architecture has no such tensor; the numbers would be wrong without it");
    }
    return status;
}

/* ---- packing */

/* The matrices that kernels want packed, called one after the other. */
typedef void ft__weights_visit(ft_model *m, ft__matrix *w, void *user);

static void ft__weights_each(ft_model *m, ft__weights_visit *visit, void *user) {
    visit(m, &m->output.w, user);
    for (int i = 0; i < m->info.n_layers; i++) {
        for (int k = 0; k < FT__LAYER_MODULES; k++) visit(m, &m->layers[i].module[k].w, user);
        visit(m, &m->layers[i].router, user);
        for (int k = 0; k < 3; k++) visit(m, &m->layers[i].expert[k], user);
    }
}

/* Experts are slices of one matrix and must begin where a group does. */
static size_t ft__weights_packed_bytes(const ft_model *m, const ft__matrix *w) {
    if (!w->format || !m->kernels.packed[w->format->id]) return 0;
    if (m->info.n_experts && w->n_rows / m->info.n_experts % FT__LANES) return 0;
    return ((size_t)w->n_rows + FT__LANES - 1) / FT__LANES * ft__pack_group_bytes(w);
}

static void ft__weights_count(ft_model *m, ft__matrix *w, void *user) {
    *(size_t *)user += (ft__weights_packed_bytes(m, w) + 63) / 64 * 64;
}

typedef struct ft__weights_packer {
    ft__pool *pool;
    uint8_t *next;
} ft__weights_packer;

static void ft__weights_pack_one(ft_model *m, ft__matrix *w, void *user) {
    ft__weights_packer *packer = (ft__weights_packer *)user;
    size_t n = ft__weights_packed_bytes(m, w);
    if (!n) return;
    ft__pack(packer->pool, w, packer->next);
    ft__map_forget(w->data, (size_t)w->n_rows * w->row_bytes);
    w->packed = packer->next;
    packer->next += (n + 63) / 64 * 64;
}

static ft_status ft__weights_pack(ft_model *m, int threads, ft_error *err) {
    ft__weights_packer packer = {NULL, NULL};
    size_t total = 0;
    ft__weights_each(m, ft__weights_count, &total);
    if (!total) return FT_OK;
    packer.pool = ft__pool_create(threads ? threads : ft__cpu_count(), &m->allocator, err);
    if (!packer.pool) return err ? err->code : FT_ERR_THREAD;
    packer.next = m->packed = (uint8_t *)ft__alloc_aligned(&m->allocator, total, 1);
    if (m->packed) {
        ft__want_large_pages(m->packed, total);
        ft__weights_each(m, ft__weights_pack_one, &packer);
    }
    ft__pool_free(packer.pool);
    return m->packed ? FT_OK : ft__fail_memory(err);
}

static ft_status ft__weights_architecture(ft_model *m, ft_error *err) {
    ft__gguf_str text = {"", 0};
    ft_status status = ft__gguf_string(&m->file, "general.architecture", &text, err);
    if (status) return status;
    m->info.architecture = ft__arena_text(&m->arena, text.data, text.len);
    text.len = 0;
    status = ft__gguf_string(&m->file, "general.name", &text, err);
    m->info.name = ft__arena_text(&m->arena, text.data, text.len);
    if (!m->info.architecture || !m->info.name) return ft__fail_memory(err);
    return status;
}

static ft_status ft__weights_known(const ft_model *m, ft_error *err) {
    for (size_t i = 0; i < FT__COUNT(ft__weights_architectures); i++)
        if (strcmp(ft__weights_architectures[i], m->info.architecture) == 0) return FT_OK;
    if (!m->info.architecture[0])
        return ft__fail(err, FT_ERR_FORMAT, m->file.path, "the key general.architecture is missing");
    return ft__fail(err, FT_ERR_UNSUPPORTED, m->file.path,
                    "the architecture \"%.64s\" is not in this version, which has: llama",
                    m->info.architecture);
}

static void ft__weights_vocab_info(ft_model *m) {
    const ft__vocab *v = m->vocab;
    ft_model_info *info = &m->info;
    info->tokenizer = v->model;
    info->can_tokenize = v->kind != NULL;
    info->n_vocab = v->n_vocab;
    info->bos = v->bos;
    info->eos = v->eos;
    info->add_bos = v->add_bos;
    info->add_eos = v->add_eos;
    info->has_chat_template = ft__gguf_key(&m->file, "tokenizer.chat_template") != NULL;
}

static ft_status ft__weights_load(ft_model *m, ft_error *err) {
    ft__loader l;
    memset(&l, 0, sizeof l);
    l.m = m;
    l.err = err;
    ft_status status = ft__weights_known(m, err);
    if (!status) status = ft__kernels_choose(&m->kernels, err);
    if (!status) status = ft__check_float_mode(err);
    if (!status) status = ft__weights_shape(&l);
    if (!status) status = ft__weights_vocab_size(&l);
    if (status) return status;
    m->layers = (ft__layer *)ft__arena_alloc(&m->arena, (size_t)m->info.n_layers, sizeof *m->layers);
    l.used = (bool *)ft__alloc_zero(&m->allocator, m->file.n_tensors + 1, sizeof *l.used);
    if (!m->layers || !l.used) status = ft__fail_memory(err);
    if (!status) status = ft__weights_rope(&l);
    if (!status) status = ft__weights_tensors(&l);
    ft__free(&m->allocator, l.used);
    return status;
}

ft_model *ft_model_load(const char *path, const ft_model_desc *desc, ft_error *err) {
    ft_allocator a = ft__allocator(desc ? &desc->allocator : NULL);
    ft_model *m = (ft_model *)ft__alloc_zero(&a, 1, sizeof *m);
    if (!m) {
        ft__fail_memory(err);
        return NULL;
    }
    m->allocator = a;
    ft__arena_init(&m->arena, &a);
    if (ft__gguf_open(&m->file, path, &a, err)) {
        ft__free(&a, m);
        return NULL;
    }
    ft_status status = ft__weights_architecture(m, err);
    if (!status) status = ft__vocab_load(&m->vocab, &m->file, &a, err);
    if (!status) ft__weights_vocab_info(m);
    for (size_t i = 0; i < m->file.n_tensors; i++) {
        const uint64_t *ne = m->file.tensors[i].ne;
        m->info.n_params += ne[0] * ne[1] * ne[2] * ne[3];
    }
    if (!status && !(desc && desc->vocab_only)) status = ft__weights_load(m, err);
    if (!status && m->layers && !(desc && desc->no_pack))
        status = ft__weights_pack(m, desc ? desc->threads : 0, err);
    if (!status) return m;
    ft_model_free(m);
    return NULL;
}

void ft_model_free(ft_model *m) {
    if (!m) return;
    ft_allocator a = m->allocator;
    ft__vocab_free(m->vocab);
    ft__free_aligned(&a, m->packed);
    ft__arena_free(&m->arena);
    ft__gguf_close(&m->file);
    ft__free(&a, m);
}

ft_model_info ft_model_get_info(const ft_model *model) { return model->info; }

ft_status ft_tokenize(const ft_model *model, const char *text, size_t n_bytes, unsigned flags,
                      int32_t *tokens, size_t cap, size_t *n, ft_error *err) {
    return ft__vocab_tokenize(model->vocab, text, n_bytes, flags, tokens, cap, n, err);
}

ft_status ft_detokenize(const ft_model *model, const int32_t *tokens, size_t n_tokens, char *text,
                        size_t cap, size_t *n, ft_error *err) {
    return ft__vocab_detokenize(model->vocab, tokens, n_tokens, text, cap, n, err);
}
