/* Folders of PEFT adapters (adapter_config.json, adapter_model.safetensors) to a GGUF adapter in memory: each
   tensor is found its place in the base's own file, and lies there as the base's file has it (rows of q and k
   moved where the rotation pairs neighbours, norms of Gemma plus 1, experts in one tensor).

   The two files are held to each other and to the base: a tensor that the configuration does not explain, a
   module that it names and that has none, another rank or another width are errors.  PEFT itself lets the
   first two pass in silence, which is how a base gets scored under an adapter's name.

   VeRA becomes LoRA: its shared matrices, cut to the layer's size and multiplied by the layer's vectors.
   Retrained rows of an embedding become LoRA too: a row of A picks each token, a column of B has what the row
   gained. */
#include "peft.h"

#include <sys/stat.h>

/* Of what has no place of its own: A. */
static const ft__hf_tensor_row ft__peft_plain = {"", "", 0, 0, FT__HF_MATRIX, FT__HF_D, FT__HF_D, 0};

/* ---- tensors */

FT__PRIV ft__hf_tensor *ft__peft_part(ft__peft *p, const char *module, const char *part) {
    char name[640];
    snprintf(name, sizeof name, "base_model.model.%s%s", module, part);
    return ft__hf_find(&p->h, name);
}

FT__PRIV ft_status ft__peft_bad(ft__peft *p, const ft__hf_tensor *t, ft_status status, const char *message) {
    return ft__hf_fail(&p->h, status, t->file, t->name, "%s", message);
}

FT__PRIV ft_status ft__peft_missing(ft__peft *p, const char *module, const char *part, const char *why) {
    char name[640];
    snprintf(name, sizeof name, "base_model.model.%s%s", module, part);
    return ft__hf_fail(&p->h, FT_ERR_FORMAT, "adapter_model.safetensors", name, "the tensor is missing, %s", why);
}

/* Marks the tensor as used if it has the shape; rows 0: a vector. */
FT__PRIV ft_status ft__peft_take(ft__peft *p, ft__hf_tensor *t, uint64_t rows, uint64_t cols) {
    const int n_dims = rows ? 2 : 1, format = t->t->dtype->format;
    const uint64_t *shape = t->t->shape;
    if (t->t->n_dims != n_dims || shape[0] != (rows ? rows : cols) || (rows && shape[1] != cols))
        return ft__hf_fail(&p->h, FT_ERR_MISMATCH, t->file, t->name,
                           "%d dimensions [%llu, %llu], the base and adapter_config.json make it [%llu, %llu]",
                           t->t->n_dims, (unsigned long long)shape[0], (unsigned long long)shape[1],
                           (unsigned long long)(rows ? rows : cols), (unsigned long long)(rows ? cols : 1));
    if (format != 0 && format != 1 && format != 30)
        return ft__hf_fail(&p->h, FT_ERR_UNSUPPORTED, t->file, t->name,
                           "dtype %s is not in this version, which has F32, F16 and BF16", t->t->dtype->name);
    t->used = true;
    return FT_OK;
}

/* A rank that both files agree on: `found` rows or columns of t. */
FT__PRIV ft_status ft__peft_check_rank(ft__peft *p, const ft__hf_tensor *t, const char *module, uint64_t found,
                                       uint64_t *rank) {
    ft_status status = ft__peft_rank(p, module, rank);
    if (!status && found != *rank)
        status = ft__hf_fail(&p->h, FT_ERR_FORMAT, t->file, t->name,
                             "has rank %llu, adapter_config.json says %llu (r, rank_pattern)",
                             (unsigned long long)found, (unsigned long long)*rank);
    return status;
}

FT__PRIV float *ft__peft_floats(ft__peft *p, const ft__hf_tensor *t, ft__arena *arena) {
    float *values = (float *)ft__arena_alloc(arena, (size_t)t->t->count, sizeof *values);
    if (values) ft__safetensors_floats(t->t, 0, (size_t)t->t->count, values);
    else ft__fail_memory(p->h.err);
    return values;
}

FT__PRIV void ft__peft_put(ft__peft *p, const char *weight, const char *part, uint64_t n0, uint64_t n1,
                           uint64_t n2, uint32_t format, const void *data) {
    const uint64_t ne[3] = {n0, n1, n2};
    char name[192];
    snprintf(name, sizeof name, "%s.%s", weight, part);
    ft__gguf_make_tensor(p->h.g, name, n2 ? 3 : n1 ? 2 : 1, ne, format, (const uint8_t *)data);
}

static bool ft__peft_is_tied(const ft__peft *p) { return !ft__gguf_find(&p->base->file, FT__PEFT_HEAD); }

/* Only where it differs from what a reader takes for granted. */
FT__PRIV ft_status ft__peft_put_scale(ft__peft *p, const char *weight, double factor, uint64_t rank) {
    const float granted = p->alpha < 0 || p->alpha > 0 ? (float)p->alpha / (float)rank : 1, given = (float)factor;
    if (ft__bits_of(given) == ft__bits_of(granted)) return FT_OK;
    if (!ft__finite((double)given))
        return ft__hf_fail(&p->h, FT_ERR_FORMAT, FT__PEFT_CONFIG, "lora_alpha", "of %.100s is too large", weight);
    float *scale = (float *)ft__arena_alloc(&p->h.g->arena, 1, sizeof *scale);
    if (!scale) return ft__fail_memory(p->h.err);
    *scale = given;
    ft__peft_put(p, weight, "lora_scale", 1, 0, 0, 0, scale);
    return FT_OK;
}

FT__PRIV ft_status ft__peft_factor(ft__peft *p, const char *module, uint64_t rank, double *factor) {
    ft_status status = ft__peft_alpha(p, module, factor);
    *factor /= p->rslora ? ft__sqrt((double)rank) : (double)rank;
    return status;
}

/* The configuration must name the module. */
static ft_status ft__peft_check_target(ft__peft *p, const ft__hf_tensor *t, const char *module) {
    char parameter[512];
    bool yes;
    ft_status status = ft__peft_is_target(p, module, &yes);
    if (status || yes) return status;
    snprintf(parameter, sizeof parameter, "%s.weight", module);
    return ft__peft_is_parameter(p, parameter)
               ? FT_OK
               : ft__peft_bad(p, t, FT_ERR_FORMAT,
                              "adapter_config.json does not name this module (target_modules and what narrows it)");
}

/* ---- LoRA of one matrix */

static ft_status ft__peft_put_values(ft__peft *p, const ft__peft_place *place, ft__hf_tensor *t, const char *part) {
    ft__hf_tensor_row row = *place->row;
    char name[192];
    row.how = FT__HF_FLOATS;
    snprintf(name, sizeof name, "%s.%s", place->name, part);
    ft_status status = ft__peft_take(p, t, 0, place->w->ne[1]);
    return status ? status : ft__hf_put_floats(&p->h, &row, t->t, name);
}

/* DoRA's magnitudes, which older files call a weight, and the bias of B. */
static ft_status ft__peft_put_more(ft__peft *p, const ft__peft_place *place, const char *module) {
    ft__hf_tensor *size = ft__peft_part(p, module, ".lora_magnitude_vector");
    ft__hf_tensor *bias = ft__peft_part(p, module, ".lora_B.bias");
    ft_status status = FT_OK;
    if (!size) size = ft__peft_part(p, module, ".lora_magnitude_vector.weight");
    if (!size && p->dora)
        return ft__peft_missing(p, module, ".lora_magnitude_vector", "adapter_config.json says use_dora");
    if (!bias && p->lora_bias)
        return ft__peft_missing(p, module, ".lora_B.bias", "adapter_config.json says lora_bias");
    if (size && !p->dora)
        return ft__peft_bad(p, size, FT_ERR_FORMAT, "adapter_config.json does not say use_dora");
    if (bias && !p->lora_bias)
        return ft__peft_bad(p, bias, FT_ERR_FORMAT, "adapter_config.json does not say lora_bias");
    if (size) status = ft__peft_put_values(p, place, size, "dora_scale");
    if (bias && !status) status = ft__peft_put_values(p, place, bias, "lora_bias");
    return status;
}

/* Both factors, or an error. */
FT__PRIV ft_status ft__peft_pair(ft__peft *p, const char *module, const ft__gguf_tensor *w, ft__hf_tensor **a,
                                 ft__hf_tensor **b, uint64_t *rank) {
    *a = ft__peft_part(p, module, ".lora_A.weight");
    *b = ft__peft_part(p, module, ".lora_B.weight");
    if (!*a || !*b)
        return ft__peft_missing(p, module, *a ? ".lora_B.weight" : ".lora_A.weight",
                                "adapter_config.json names the module");
    ft_status status = ft__peft_check_target(p, *a, module);
    if (!status) status = ft__peft_check_rank(p, *a, module, (*a)->t->shape[0], rank);
    if (!status) status = ft__peft_take(p, *a, *rank, w->ne[0]);
    return status ? status : ft__peft_take(p, *b, w->ne[1], *rank);
}

static ft_status ft__peft_matrix(ft__peft *p, const ft__peft_place *place, const char *module) {
    char name[192];
    ft__hf_tensor *a, *b;
    uint64_t rank;
    double factor = 0;
    ft_status status = ft__peft_pair(p, module, place->w, &a, &b, &rank);
    if (!status) status = ft__peft_factor(p, module, rank, &factor);
    if (status) return status;
    snprintf(name, sizeof name, "%s.lora_a", place->name);
    status = ft__hf_put_matrix(&p->h, &ft__peft_plain, a->t, name);
    snprintf(name, sizeof name, "%s.lora_b", place->name);
    if (!status) status = ft__hf_put_matrix(&p->h, place->row, b->t, name);
    if (!status) status = ft__peft_put_scale(p, place->name, factor, rank);
    return status ? status : ft__peft_put_more(p, place, module);
}

static ft_status ft__peft_lora(ft__peft *p, const char *module, ft__hf_tensor *t) {
    ft__peft_place place;
    int layer;
    if (p->vera) return ft__peft_bad(p, t, FT_ERR_FORMAT, "a tensor of LoRA, adapter_config.json says VERA");
    if (ft__peft_is_experts(p, module, &layer)) return ft__peft_parameter(p, module, layer);
    if (!ft__peft_find_place(p, module, ".weight", &place) || place.row->rows == FT__HF_ONE ||
        strcmp(place.name, FT__PEFT_EMBEDDING) == 0)
        return ft__peft_bad(p, t, FT_ERR_MISMATCH, "the base has no matrix for this tensor");
    if (p->tied && strcmp(place.name, FT__PEFT_HEAD) == 0 && ft__peft_is_tied(p))
        return ft__hf_fail(&p->h, FT_ERR_UNSUPPORTED, FT__PEFT_CONFIG, "ensure_weight_tying",
                           "with an adapter on the head is not in this version");
    return place.row->how == FT__HF_STACK ? ft__peft_experts(p, &place, module, t)
                                          : ft__peft_matrix(p, &place, module);
}

/* ---- embeddings */

/* A (rank, tokens) is turned: a row for each token. */
static ft_status ft__peft_embedded(ft__peft *p, const char *module, ft__hf_tensor *t) {
    ft__peft_place place;
    ft__hf_tensor *a = ft__peft_part(p, module, ".lora_embedding_A");
    ft__hf_tensor *b = ft__peft_part(p, module, ".lora_embedding_B");
    uint64_t rank;
    double factor = 0;
    if (!ft__peft_find_place(p, module, ".weight", &place) || strcmp(place.name, FT__PEFT_EMBEDDING) != 0)
        return ft__peft_bad(p, t, FT_ERR_MISMATCH, "the base has no embedding for this tensor");
    if (!a || !b)
        return ft__peft_missing(p, module, a ? ".lora_embedding_B" : ".lora_embedding_A",
                                "its other half is there");
    if (p->dora || (p->tied && ft__peft_is_tied(p)))
        return ft__hf_fail(&p->h, FT_ERR_UNSUPPORTED, FT__PEFT_CONFIG, p->dora ? "use_dora" : "ensure_weight_tying",
                           "with an adapter on the embedding is not in this version");
    ft_status status = ft__peft_check_target(p, a, module);
    if (!status) status = ft__peft_check_rank(p, a, module, a->t->shape[0], &rank);
    if (!status) status = ft__peft_take(p, a, rank, place.w->ne[1]);
    if (!status) status = ft__peft_take(p, b, place.w->ne[0], rank);
    if (!status) status = ft__peft_factor(p, module, rank, &factor);
    if (status) return status;
    const size_t n = (size_t)place.w->ne[1], r = (size_t)rank;
    float *turned = (float *)ft__arena_alloc(&p->h.g->arena, (size_t)a->t->count, sizeof *turned);
    float *values = ft__peft_floats(p, a, &p->h.arena);
    if (!turned || !values) return ft__fail_memory(p->h.err);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < r; k++) turned[i * r + k] = values[k * n + i];
    ft__peft_put(p, place.name, "lora_a", rank, n, 0, 0, turned);
    status = ft__hf_put_matrix(&p->h, &ft__peft_plain, b->t, "token_embd.weight.lora_b");
    return status ? status : ft__peft_put_scale(p, place.name, factor, rank);
}

/* trainable_token_indices: a list for the embedding, or lists by module. */
static const ft__json *ft__peft_token_list(const ft__peft *p, const char *module) {
    const ft__json *found = p->tokens && p->tokens->type == FT__JSON_ARRAY ? p->tokens : NULL;
    const size_t n = strlen(module);
    for (const ft__json *v = p->tokens && !found ? p->tokens->child : NULL; v; v = v->next)
        if (v->type == FT__JSON_ARRAY && v->key_len && v->key_len <= n &&
            strcmp(module + n - v->key_len, v->key) == 0 &&
            (v->key_len == n || module[n - v->key_len - 1] == '.'))
            found = v;
    return found;
}

/* One of the two factors that change rows of a matrix: `picks` has a 1 for each changed row, `gains` what the
   rows gained.  For an embedding those are A and B, for a head B and A. */
static ft_status ft__peft_put_rows(ft__peft *p, const char *weight, const ft__gguf_tensor *w, const ft__json *list,
                                   const ft__hf_tensor *t) {
    const bool head = strcmp(weight, FT__PEFT_HEAD) == 0;
    const ft__format *format = ft__format_find(w->type);
    const size_t n = (size_t)w->ne[0], n_rows = (size_t)w->ne[1], k = list->count;
    const size_t row_bytes = n / format->n_elements * format->n_bytes;
    size_t size, j = 0;
    if (!ft__mul_size(n_rows, k, &size) || size > (size_t)1 << 28)
        return ft__peft_bad(p, t, FT_ERR_LIMIT,
                            "too many retrained tokens for this version: save the embedding whole");
    float *picks = (float *)ft__arena_alloc(&p->h.g->arena, size, sizeof *picks);
    float *gains = (float *)ft__arena_alloc(&p->h.g->arena, k * n, sizeof *gains);
    float *base = (float *)ft__arena_alloc(&p->h.arena, n, sizeof *base);
    float *rows = ft__peft_floats(p, t, &p->h.arena);
    if (!picks || !gains || !base || !rows) return ft__fail_memory(p->h.err);
    if (!format->decode)
        return ft__hf_fail(&p->h, FT_ERR_UNSUPPORTED, t->file, t->name, "the base's %s is %s, which cannot be read",
                           w->name, format->name);
    for (const ft__json *v = list->child; v; v = v->next, j++) {
        const size_t row = (size_t)v->number;
        format->decode(w->data + row * row_bytes, n, base);
        picks[row * k + j] = 1;
        for (size_t i = 0; i < n; i++) gains[head ? j * n + i : i * k + j] = rows[j * n + i] - base[i];
    }
    ft__peft_put(p, weight, "lora_a", head ? n : k, head ? k : n_rows, 0, 0, head ? gains : picks);
    ft__peft_put(p, weight, "lora_b", k, head ? n_rows : n, 0, 0, head ? picks : gains);
    return ft__peft_put_scale(p, weight, 1, k);
}

/* Where the base ties its head to the embedding, PEFT changes the head's rows along. */
static ft_status ft__peft_tokens(ft__peft *p, const char *module, ft__hf_tensor *t) {
    const ft__json *list = ft__peft_token_list(p, module);
    ft__peft_place place;
    if (!list || !list->count)
        return ft__peft_bad(p, t, FT_ERR_FORMAT, "adapter_config.json has no trainable_token_indices for it");
    if (!ft__peft_find_place(p, module, ".weight", &place) ||
        (strcmp(place.name, FT__PEFT_EMBEDDING) != 0 && strcmp(place.name, FT__PEFT_HEAD) != 0))
        return ft__peft_bad(p, t, FT_ERR_MISMATCH, "the base has no embedding for this tensor");
    uint8_t *seen = (uint8_t *)ft__arena_alloc(&p->h.arena, (size_t)place.w->ne[1], 1);
    if (!seen) return ft__fail_memory(p->h.err);
    for (const ft__json *v = list->child; v; v = v->next)
        if (!ft__json_is_integer(v, 0, (double)place.w->ne[1] - 1) || seen[(size_t)v->number]++)
            return ft__hf_fail(&p->h, FT_ERR_MISMATCH, FT__PEFT_CONFIG, "trainable_token_indices",
                               "must be different tokens below %llu, found %.40s",
                               (unsigned long long)place.w->ne[1],
                               v->type == FT__JSON_NUMBER ? v->text : ft__json_type_name(v->type));
    ft_status status = ft__peft_take(p, t, list->count, place.w->ne[0]);
    if (!status) status = ft__peft_put_rows(p, place.name, place.w, list, t);
    if (!status && ft__peft_is_tied(p) && strcmp(place.name, FT__PEFT_EMBEDDING) == 0)
        status = ft__peft_put_rows(p, FT__PEFT_HEAD, place.w, list, t);
    return status;
}

/* ---- VeRA */

/* out = b (B d A) with B and A cut to the layer's size; d goes into A, b into B. */
static ft_status ft__peft_vera(ft__peft *p, const char *module, ft__hf_tensor *t) {
    ft__hf_tensor *a = ft__hf_find(&p->h, "base_model.vera_A"), *b = ft__hf_find(&p->h, "base_model.vera_B");
    ft__hf_tensor *d = ft__peft_part(p, module, ".vera_lambda_d"), *g = ft__peft_part(p, module, ".vera_lambda_b");
    ft__peft_place place;
    uint64_t rank;
    if (!p->vera) return ft__peft_bad(p, t, FT_ERR_FORMAT, "a tensor of VeRA, adapter_config.json says LORA");
    if (!a || !b)
        return ft__hf_fail(&p->h, FT_ERR_UNSUPPORTED, "adapter_model.safetensors",
                           a ? "base_model.vera_B" : "base_model.vera_A",
                           "the tensor is missing; without it the projections would be PyTorch's random numbers: "
                           "save the adapter with save_projection");
    if (!ft__peft_find_place(p, module, ".weight", &place) || place.row->how != FT__HF_MATRIX)
        return ft__peft_bad(p, t, FT_ERR_MISMATCH, "the base has no matrix for this tensor");
    if (!d || !g)
        return ft__peft_missing(p, module, d ? ".vera_lambda_b" : ".vera_lambda_d", "its other half is there");
    const uint64_t n_in = place.w->ne[0], n_out = place.w->ne[1];
    ft_status status = ft__peft_check_target(p, d, module);
    if (!status) status = ft__peft_check_rank(p, d, module, d->t->count, &rank);
    if (!status && a->t->shape[1] < n_in) status = ft__peft_take(p, a, rank, n_in); /* says so */
    if (!status && b->t->shape[0] < n_out) status = ft__peft_take(p, b, n_out, rank);
    if (!status) status = ft__peft_take(p, d, 0, rank);
    if (!status) status = ft__peft_take(p, g, 0, n_out);
    if (!status) status = ft__peft_take(p, a, rank, a->t->shape[1]);
    if (!status) status = ft__peft_take(p, b, b->t->shape[0], rank);
    if (status) return status;
    float *low = (float *)ft__arena_alloc(&p->h.g->arena, (size_t)(rank * n_in), sizeof *low);
    float *high = (float *)ft__arena_alloc(&p->h.g->arena, (size_t)(n_out * rank), sizeof *high);
    float *scale_d = ft__peft_floats(p, d, &p->h.arena), *scale_b = ft__peft_floats(p, g, &p->h.arena);
    if (!low || !high || !scale_d || !scale_b) return ft__fail_memory(p->h.err);
    for (uint64_t k = 0; k < rank; k++) {
        ft__safetensors_floats(a->t, k * a->t->shape[1], (size_t)n_in, low + k * n_in);
        for (uint64_t i = 0; i < n_in; i++) low[k * n_in + i] *= scale_d[k];
    }
    ft__safetensors_floats(b->t, 0, (size_t)(n_out * rank), high);
    for (uint64_t i = 0; i < n_out * rank; i++) high[i] *= scale_b[i / rank];
    ft__peft_put(p, place.name, "lora_a", n_in, rank, 0, 0, low);
    /* its rows go where the base has them, as if it stood in a file */
    static const ft__st_dtype f32 = {"F32", 4, 0};
    ft__st_tensor made = *b->t;
    char name[192];
    made.dtype = &f32;
    made.shape[0] = n_out;
    made.count = n_out * rank;
    made.size = made.count * sizeof *high;
    made.data = (const uint8_t *)high;
    snprintf(name, sizeof name, "%s.lora_b", place.name);
    return ft__hf_put_matrix(&p->h, place.row, &made, name);
}

/* ---- whole tensors */

/* modules_to_save, and biases that were trained.  The embedding and the head are there also where PEFT adds
   them of itself: under their own name they count, as base_layer they are the frozen weights below an adapter. */
static ft_status ft__peft_replace(ft__peft *p, const char *module, ft__hf_tensor *t) {
    const char *leaf = strrchr(t->name, '.'), *dot = strrchr(module, '.'), *last = dot ? dot + 1 : module;
    const bool bias = strcmp(leaf, ".bias") == 0, below = strcmp(last, "base_layer") == 0;
    char clean[512];
    ft__peft_place place;
    bool wanted;
    snprintf(clean, sizeof clean, "%.*s", (int)(below ? dot - module : (long)strlen(module)), module);
    dot = strrchr(clean, '.');
    last = dot ? dot + 1 : clean;
    ft_status status = ft__peft_is_target(p, clean, &wanted);
    if (status) return status;
    const bool embedding = !bias && (strcmp(last, "embed_tokens") == 0 || strcmp(last, "lm_head") == 0);
    wanted = bias ? strcmp(p->bias, "all") == 0 || (strcmp(p->bias, "none") != 0 && wanted) : embedding;
    if (!wanted && !ft__peft_is_saved(p, clean))
        return ft__peft_bad(p, t, FT_ERR_FORMAT, "adapter_config.json does not explain this tensor");
    if (!ft__peft_find_place(p, clean, leaf, &place))
        return ft__peft_bad(p, t, FT_ERR_MISMATCH, "the base has no such tensor");
    if (place.row->how == FT__HF_STACK)
        return ft__peft_bad(p, t, FT_ERR_UNSUPPORTED, "to replace single experts is not in this version");
    const bool vector = place.row->rows == FT__HF_ONE;
    status = ft__peft_take(p, t, vector ? 0 : place.w->ne[1], place.w->ne[0]);
    if (status || (embedding && below)) return status;
    return place.row->how == FT__HF_MATRIX ? ft__hf_put_matrix(&p->h, place.row, t->t, place.name)
                                           : ft__hf_put_floats(&p->h, place.row, t->t, place.name);
}

/* ---- the folder */

typedef ft_status ft__peft_fn(ft__peft *p, const char *module, ft__hf_tensor *t);

/* What the end of a name says; behind the module's name. */
static const struct {
    const char *end;
    ft__peft_fn *fn;
} ft__peft_ends_of_names[] = {
    {".lora_A.weight", ft__peft_lora},
    {".lora_B.weight", ft__peft_lora},
    {".lora_B.bias", ft__peft_lora},
    {".lora_magnitude_vector", ft__peft_lora},
    {".lora_magnitude_vector.weight", ft__peft_lora},
    {".lora_embedding_A", ft__peft_embedded},
    {".lora_embedding_B", ft__peft_embedded},
    {".token_adapter.trainable_tokens_delta", ft__peft_tokens},
    {".vera_lambda_b", ft__peft_vera},
    {".vera_lambda_d", ft__peft_vera},
    {".weight", ft__peft_replace},
    {".bias", ft__peft_replace},
};

/* Everything that belongs to the tensor's module. */
static ft_status ft__peft_tensor(ft__peft *p, ft__hf_tensor *t) {
    static const char front[] = "base_model.model.";
    const size_t n_front = sizeof front - 1, n = strlen(t->name);
    if (t->used || (p->vera && strncmp(t->name, "base_model.vera_", 16) == 0 && n == 17)) return FT_OK;
    if (n > 400) return ft__peft_bad(p, t, FT_ERR_LIMIT, "names of over 400 bytes are not in this version");
    for (size_t i = 0; i < FT__COUNT(ft__peft_ends_of_names) && strncmp(t->name, front, n_front) == 0; i++) {
        const char *end = ft__peft_ends_of_names[i].end;
        const size_t n_end = strlen(end);
        if (n <= n_front + n_end || strcmp(t->name + n - n_end, end) != 0) continue;
        const char *module = ft__arena_text(&p->h.arena, t->name + n_front, n - n_front - n_end);
        if (!module) return ft__fail_memory(p->h.err);
        ft_status status = ft__peft_ends_of_names[i].fn(p, module, t);
        if (!status && !t->used) /* "x" and "x.weight" both, for instance */
            status = ft__peft_bad(p, t, FT_ERR_FORMAT, "another tensor of the file says the same");
        return status;
    }
    return ft__peft_bad(p, t, FT_ERR_UNSUPPORTED, "the name is not one of a LoRA or VeRA adapter");
}

static const ft__gguf_tensor *ft__peft_made(const ft__peft *p, const char *name) {
    for (size_t i = 0; i < p->h.g->n_tensors; i++)
        if (strcmp(p->h.g->tensors[i].name, name) == 0) return &p->h.g->tensors[i];
    return NULL;
}

/* ensure_weight_tying: what replaces the embedding replaces the head that is tied to it, and back. */
static void ft__peft_tie(ft__peft *p) {
    const ft__gguf_tensor *embedding = ft__peft_made(p, FT__PEFT_EMBEDDING);
    const ft__gguf_tensor *head = ft__peft_made(p, FT__PEFT_HEAD), *one = embedding ? embedding : head;
    if (!p->tied || !ft__peft_is_tied(p) || !one || (embedding && head)) return;
    const ft__gguf_tensor t = *one; /* which making another may move */
    ft__gguf_make_tensor(p->h.g, embedding ? FT__PEFT_HEAD : FT__PEFT_EMBEDDING, t.n_dims, t.ne, t.type, t.data);
}

/* What changes a tensor cannot stand beside what replaces it. */
static ft_status ft__peft_check_twice(ft__peft *p) {
    for (size_t i = 0; i < p->h.g->n_tensors; i++) {
        const char *name = p->h.g->tensors[i].name, *end = strstr(name, ".lora_a");
        char weight[192];
        snprintf(weight, sizeof weight, "%.*s", (int)(end ? end - name : 0), name);
        if (ft__gguf_find(p->h.g, weight))
            return ft__hf_fail(&p->h, FT_ERR_UNSUPPORTED, "adapter_model.safetensors", name,
                               "the file also has a tensor that replaces this one of the base");
    }
    return FT_OK;
}

/* Does each parameter that target_parameters names have its tensors? */
static ft_status ft__peft_check_parameters(ft__peft *p, int layer) {
    static const char *const blocks[] = {"mlp", "feed_forward", "block_sparse_moe"};
    static const char *const parts[2][2] = {{"gate_up", "up"}, {"down", "down"}};
    char module[128], parameter[160], name[64];
    for (size_t i = 0; i < 2 * FT__COUNT(blocks); i++) {
        snprintf(name, sizeof name, "blk.%d.ffn_%s_exps.weight", layer, parts[i % 2][1]);
        snprintf(module, sizeof module, "%slayers.%d.%s.experts", p->h.prefix, layer, blocks[i / 2]);
        snprintf(parameter, sizeof parameter, "%s.%s_proj", module, parts[i % 2][0]);
        if (!ft__gguf_find(&p->base->file, name) || !ft__peft_is_parameter(p, parameter)) continue;
        snprintf(name, sizeof name, "blk.%d.ffn_%s_exps.weight.lora_a", layer, parts[i % 2][1]);
        if (!ft__gguf_find(p->h.g, name))
            return ft__peft_missing(p, module, ".lora_A.weight",
                                    "adapter_config.json names it in target_parameters");
    }
    return FT_OK;
}

static bool ft__peft_has_name(const ft__peft *p, const char *part) {
    for (size_t i = 0; i < p->h.n_tensors; i++)
        if (strstr(p->h.tensors[i].name, part)) return true;
    return false;
}

static bool ft__peft_lists(const ft__json *names, const char *name) {
    for (const ft__json *v = names && names->type == FT__JSON_ARRAY ? names->child : NULL; v; v = v->next)
        if (v->type == FT__JSON_STRING && ft__text_equal(v->text, v->text_len, name, strlen(name))) return true;
    return false;
}

/* What stands outside the layers: a head or an embedding that was trained and then lost would leave the base's. */
static ft_status ft__peft_check_ends(ft__peft *p) {
    static const char *const ends[] = {"lm_head", "embed_tokens"};
    char part[32];
    for (size_t i = 0; i < FT__COUNT(ends); i++) {
        snprintf(part, sizeof part, ".%s.", ends[i]);
        if (!ft__peft_has_name(p, part) && (ft__peft_lists(p->saved, ends[i]) || ft__peft_lists(p->targets, ends[i])))
            return ft__peft_missing(p, ends[i], ".weight", "adapter_config.json names the module");
    }
    if (p->tokens && !ft__peft_has_name(p, "trainable_tokens_delta"))
        return ft__peft_missing(p, "embed_tokens", ".token_adapter.trainable_tokens_delta",
                                "adapter_config.json has trainable_token_indices");
    return FT_OK;
}

/* Does each matrix of the base that the configuration names have its tensors? */
static ft_status ft__peft_check_layer(ft__peft *p, int layer) {
    char module[256], name[128];
    const ft__hf_tensor_row *row;
    bool counts;
    for (size_t i = 0; (row = ft__peft_row_at(p, i, &counts)) != NULL; i++) {
        if (!counts || row->how != FT__HF_MATRIX) continue;
        snprintf(name, sizeof name, "blk.%d.%s", layer, row->gguf);
        if (!ft__gguf_find(&p->base->file, name)) continue;
        snprintf(module, sizeof module, "%slayers.%d.%.*s", p->h.prefix, layer,
                 (int)(strlen(row->hf) - strlen(".weight")), row->hf);
        if (ft__peft_is_saved(p, module) && !ft__gguf_find(p->h.g, name))
            return ft__peft_missing(p, module, ".weight", "adapter_config.json names it in modules_to_save");
        snprintf(name, sizeof name, "blk.%d.%s.lora_a", layer, row->gguf);
        if (ft__gguf_find(p->h.g, name)) continue;
        ft_status status = ft__peft_is_target(p, module, &counts);
        if (!status && counts)
            status = ft__peft_missing(p, module, p->vera ? ".vera_lambda_d" : ".lora_A.weight",
                                      "adapter_config.json names the module");
        if (status) return status;
    }
    return ft__peft_check_parameters(p, layer);
}

static bool ft__peft_has_file(ft__peft *p, const char *file) {
    struct stat st;
    const char *path = ft__path_join(&p->h.arena, p->h.folder, file);
    return path && stat(path, &st) == 0;
}

static ft_status ft__peft_read_all(ft__peft *p) {
    ft_status status = ft__peft_read_config(p);
    if (!status && ft__peft_has_file(p, "adapter_model.bin") &&
        !ft__peft_has_file(p, "adapter_model.safetensors") &&
        !ft__peft_has_file(p, "adapter_model.safetensors.index.json"))
        return ft__hf_fail(&p->h, FT_ERR_UNSUPPORTED, "adapter_model.bin", NULL,
                           "pickled tensors are not read: save the adapter as adapter_model.safetensors");
    if (!status) status = ft__hf_open_shards(&p->h, "adapter_model");
    for (size_t i = 0; i < p->h.n_tensors && !status; i++) status = ft__peft_tensor(p, &p->h.tensors[i]);
    return status ? status : ft__peft_check_ends(p);
}

FT__PRIV ft_status ft__peft_open(ft__gguf *g, const char *folder, const ft_model *base, ft_error *err) {
    const char *kind;
    ft__peft p;
    memset(&p, 0, sizeof p);
    p.h.g = g;
    p.h.folder = folder;
    p.h.err = err;
    p.h.prefix = "model.";
    p.h.dim[FT__HF_ONE] = 1;
    p.h.dim[FT__HF_H] = (uint64_t)base->info.n_heads;
    p.h.dim[FT__HF_HKV] = (uint64_t)base->info.n_kv_heads;
    p.base = base;
    p.h.flags = ft__peft_flags(base);
    ft__arena_init(&p.h.arena, &base->allocator);
    ft__gguf_make_begin(g, folder, &base->allocator);
    ft_status status = ft__peft_read_all(&p);
    kind = p.vera ? "vera" : p.dora ? "dora" : p.rslora ? "rslora" : "lora";
    ft__gguf_make_string(g, "general.type", "adapter", 7);
    ft__gguf_make_string(g, "adapter.type", "lora", 4);
    ft__gguf_make_string(g, "general.architecture", base->info.architecture, strlen(base->info.architecture));
    ft__gguf_make_string(g, "ft.adapter.kind", kind, strlen(kind));
    ft__gguf_make_f32(g, "adapter.lora.alpha", (float)p.alpha);
    for (size_t i = 0; i < p.h.n_shards; i++) {
        ft__gguf_make_own(g, &p.h.shards[i].file);
        ft__safetensors_close(&p.h.shards[i]);
    }
    if (!status) ft__peft_tie(&p);
    if (!status) status = ft__gguf_make_end(g, err);
    if (!status) status = ft__peft_check_twice(&p);
    for (int i = 0; i < base->info.n_layers && !status && !p.any_target; i++) status = ft__peft_check_layer(&p, i);
    ft__peft_free_config(&p);
    ft__arena_free(&p.h.arena);
    if (status) ft__gguf_close(g);
    return status;
}
