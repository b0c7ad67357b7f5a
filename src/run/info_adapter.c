/* What an adapter is and does: GGUF files and PEFT folders come down to one list of changes, each with the parts
   that the file has for it; with a model at hand each is held against the weight it changes.

   A PEFT folder is only looked at here: what its fields mean for the numbers is the business of loading it. */
#include "../model/hf.h"
#include "../model/peft.h"
#include "info.h"

enum { FT__INFO_MAX_GROUPS = 256 };

static const struct { const char *end; int what; } ft__info_ends[] = {
    {".lora_a", FT__INFO_A}, {".lora_b", FT__INFO_B}, {".lora_scale", FT__INFO_SCALE},
    {".lora_bias", FT__INFO_BIAS}, {".dora_scale", FT__INFO_DORA}, /* and in PEFT */
    {".lora_A.weight", FT__INFO_A}, {".lora_B.weight", FT__INFO_B}, {".lora_B.bias", FT__INFO_BIAS},
    {".lora_embedding_A", FT__INFO_A}, {".lora_embedding_B", FT__INFO_B},
    {".lora_magnitude_vector.weight", FT__INFO_DORA}, {".lora_magnitude_vector", FT__INFO_DORA},
    {".vera_lambda_b", FT__INFO_VERA}, {".vera_lambda_d", FT__INFO_VERA},
    {".modules_to_save.weight", FT__INFO_WHOLE}, {".modules_to_save.bias", FT__INFO_WHOLE}};

/* ---- parts */

/* "blk.3.attn_q.weight" is attn_q of layer 3; numbers of experts become '*'. */
static void ft__info_place(ft__info_adapter *a, ft__info_part *p) {
    const char *at = p->base, *rest = p->base;
    char module[256];
    size_t n = 0;
    p->layer = -1;
    while (*at) {
        const size_t len = strcspn(at, ".");
        if (p->layer < 0 && len && len < 6 && strspn(at, "0123456789") == len && at != p->base && at[len]) {
            p->layer = 0;
            for (size_t k = 0; k < len; k++) p->layer = 10 * p->layer + (at[k] - '0');
            rest = at + len + 1;
        }
        at += len + (at[len] == '.');
    }
    for (at = rest; *at && n + 2 < sizeof module;) {
        const size_t digits = strspn(at, "0123456789");
        const bool number = digits && (at == rest || at[-1] == '.') && (at[digits] == '.' || !at[digits]);
        module[n++] = number ? '*' : *at;
        at += number ? digits : 1;
    }
    if (n > 7 && memcmp(module + n - 7, ".weight", 7) == 0) n -= 7;
    p->module = ft__arena_text(&a->arena, module, n);
}

static void ft__info_add(ft__info_adapter *a, const char *name, const ft__info_part *tensor) {
    static const char outer[] = "base_model.model.";
    ft__info_part *p = &a->parts[a->n_parts++];
    size_t n = strlen(name);
    *p = *tensor;
    p->what = FT__INFO_WHOLE;
    for (size_t k = 0; k < FT__COUNT(ft__info_ends); k++) {
        const size_t n_end = strlen(ft__info_ends[k].end);
        if (n <= n_end || strcmp(name + n - n_end, ft__info_ends[k].end) != 0) continue;
        p->what = ft__info_ends[k].what;
        n -= n_end;
        break;
    }
    if (a->config && strncmp(name, outer, sizeof outer - 1) == 0) name += sizeof outer - 1, n -= sizeof outer - 1;
    p->base = ft__arena_text(&a->arena, name, n);
    if (p->base) ft__info_place(a, p);
    a->n_params += p->n_params;
}

static int ft__info_by_place(const void *x, const void *y) {
    const ft__info_part *a = (const ft__info_part *)x, *b = (const ft__info_part *)y;
    if (a->layer != b->layer) return a->layer < b->layer ? -1 : 1;
    const int order = strcmp(a->base, b->base);
    return order ? order : a->what - b->what;
}

/* All tensors of the GGUF adapter that is open. */
static ft_status ft__info_add_all(ft__info_adapter *a, ft_error *err) {
    a->parts = (ft__info_part *)ft__arena_alloc(&a->arena, a->file.n_tensors, sizeof *a->parts);
    if (!a->parts) return ft__fail_memory(err);
    for (size_t t = 0; t < a->file.n_tensors; t++) {
        const ft__gguf_tensor *tensor = &a->file.tensors[t];
        ft__info_part p;
        memset(&p, 0, sizeof p);
        p.format = ft__format_find(tensor->type);
        p.type = p.format->name;
        p.data = tensor->data;
        p.n_params = 1;
        p.n_bytes = tensor->size;
        for (int d = 0; d < FT__MAX_DIMS; d++) p.ne[d] = tensor->ne[d], p.n_params *= tensor->ne[d];
        ft__info_add(a, tensor->name, &p);
    }
    if (ft__gguf_key(&a->file, "adapter.lora.alpha") &&
        (ft__gguf_float(&a->file, "adapter.lora.alpha", &a->alpha, NULL) || !ft__finite(a->alpha)))
        a->alpha = (double)ft__float_of(0x7fc00000u);
    return FT_OK;
}

static ft_status ft__info_read_gguf(ft__info_adapter *a, ft_error *err) {
    ft_status status = ft__split_gguf_open(&a->file, a->path, &a->allocator, err);
    if (status) return status;
    a->gguf_open = true;
    const ft__gguf_str type = ft__info_key(&a->file, "general.type");
    if (!ft__text_equal(type.data, type.len, "adapter", 7))
        return ft__fail(err, FT_ERR_FORMAT, a->path, "general.type: found \"%.*s\", expected \"adapter\"",
                        (int)(type.len > 64 ? 64 : type.len), type.data);
    a->n_bytes = a->file.file.size;
    for (size_t k = 0; k < a->file.n_more; k++) a->n_bytes += a->file.more[k].size;
    a->name = ft__info_key(&a->file, "general.name");
    a->architecture = ft__info_key(&a->file, "general.architecture");
    a->base = ft__info_key(&a->file, "general.base_model.0.name");
    return ft__info_add_all(a, err);
}

static ft_status ft__info_read_json(ft__info_adapter *a, ft_error *err) {
    ft__json *root;
    char *text;
    size_t n;
    const char *path = ft__path_join(&a->arena, a->path, "adapter_config.json");
    ft_status status = path ? ft__read_file(path, &a->allocator, &text, &n, err) : ft__fail_memory(err);
    if (status) return status;
    status = ft__json_parse(text, n, path, 1, &a->arena, &root, err);
    ft__free(&a->allocator, text);
    if (!status && root->type != FT__JSON_OBJECT)
        return ft__fail(err, FT_ERR_FORMAT, path, "expected an object, found %s", ft__json_type_name(root->type));
    a->config = status ? NULL : root;
    return status;
}

static ft_status ft__info_read_peft(ft__info_adapter *a, ft_error *err) {
    ft_status status = ft__info_read_json(a, err);
    if (status) return status;
    const char *path = ft__path_join(&a->arena, a->path, "adapter_model.safetensors");
    status = path ? ft__safetensors_open(&a->tensors, path, &a->allocator, err) : ft__fail_memory(err);
    if (status) return status;
    a->tensors_open = true;
    a->n_bytes = a->tensors.file.size;
    a->parts = (ft__info_part *)ft__arena_alloc(&a->arena, a->tensors.n_tensors, sizeof *a->parts);
    if (!a->parts) return ft__fail_memory(err);
    for (size_t t = 0; t < a->tensors.n_tensors; t++) {
        const ft__st_tensor *tensor = &a->tensors.tensors[t];
        ft__info_part p;
        memset(&p, 0, sizeof p);
        p.format = tensor->dtype->format < 0 || tensor->n_dims > FT__MAX_DIMS
                       ? NULL : ft__format_find((uint32_t)tensor->dtype->format);
        p.type = tensor->dtype->name;
        p.data = tensor->data;
        p.n_params = tensor->count;
        p.n_bytes = tensor->size;
        for (int d = 0; d < FT__MAX_DIMS; d++)
            p.ne[d] = d < tensor->n_dims ? tensor->shape[tensor->n_dims - 1 - d] : 1;
        ft__info_add(a, tensor->name, &p);
    }
    const ft__json *base = ft__json_get(a->config, "base_model_name_or_path");
    const ft__json *alpha = ft__json_get(a->config, "lora_alpha");
    if (base && base->type == FT__JSON_STRING) a->base.data = base->text, a->base.len = base->text_len;
    if (alpha && alpha->type == FT__JSON_NUMBER) a->alpha = alpha->number;
    return FT_OK;
}

/* For a model that it fits, the folder as the model takes it: each change beside the weight that it is of. */
static ft_status ft__info_lower_peft(ft__info_adapter *a, ft_error *err) {
    const uint64_t n_params = a->n_params; /* as the folder has them */
    ft_status status = ft__peft_open(&a->file, a->path, a->model, err);
    if (status) return status;
    a->gguf_open = true;
    a->config = NULL;
    a->n_parts = 0;
    status = ft__info_add_all(a, err);
    a->n_params = n_params;
    if (a->alpha == 0) a->alpha = (double)ft__float_of(0x7fc00000u); /* the tensors say it all */
    return status;
}

/* ---- changes */

static bool ft__info_is(const ft__json *config, const char *key) {
    const ft__json *v = ft__json_get(config, key);
    return v && v->type == FT__JSON_TRUE;
}

/* A pattern of PEFT: the first key that is the module's name or its end.  Keys may be regular expressions, which
   are not read here: *known becomes false. */
static double ft__info_pattern(const ft__json *config, const char *key, const char *name, double otherwise,
                               bool *known) {
    const ft__json *pattern = ft__json_get(config, key);
    const size_t n = strlen(name);
    if (!pattern || pattern->type != FT__JSON_OBJECT) return otherwise;
    for (const ft__json *v = pattern->child; v; v = v->next) {
        if (strcspn(v->key, "\\^$*+?()[]{}|") != v->key_len) *known = false;
        const bool end = n >= v->key_len && strcmp(name + n - v->key_len, v->key) == 0 &&
                         (n == v->key_len || name[n - v->key_len - 1] == '.');
        if (end && v->type == FT__JSON_NUMBER) return v->number;
    }
    return otherwise;
}

static double ft__info_scale(const ft__info_adapter *a, const ft__info_change *c) {
    const ft__info_part *own = c->part[FT__INFO_SCALE];
    const double rank = (double)c->rank;
    bool known = true;
    float value;
    if (own && own->format && own->format->decode && own->n_params == 1) {
        own->format->decode(own->data, 1, &value);
        return (double)value;
    }
    if (c->part[FT__INFO_VERA]) return 1;
    double alpha = ft__info_pattern(a->config, "alpha_pattern", c->any->base, a->alpha, &known);
    if (!a->config && (!ft__finite(alpha) || alpha == 0)) return 1;
    return !known ? (double)ft__float_of(0x7fc00000u) : a->root && a->config ? alpha / ft__sqrt(rank)
                                                           : alpha / rank;
}

/* Shapes that do not go together, whatever the model. */
static const char *ft__info_check(ft__info_adapter *a, const ft__info_change *c) {
    const ft__info_part *x = c->part[FT__INFO_A], *y = c->part[FT__INFO_B];
    if (c->part[FT__INFO_WHOLE]) return x || y ? "a whole tensor and factors" : NULL;
    if (c->part[FT__INFO_VERA]) return NULL;
    if (!x || !y) return x ? "A without B" : y ? "B without A" : "neither A nor B";
    if (!c->rank) return "rank 0";
    const uint64_t rank = x->ne[c->embedding ? 0 : 1];
    if (rank != y->ne[0] || x->ne[2] != y->ne[2] || x->ne[3] != 1 || y->ne[3] != 1)
        return ft__arena_printf(&a->arena, "A [%llu, %llu, %llu] and B [%llu, %llu, %llu] have no rank in common",
                                (unsigned long long)x->ne[0], (unsigned long long)x->ne[1],
                                (unsigned long long)x->ne[2], (unsigned long long)y->ne[0],
                                (unsigned long long)y->ne[1], (unsigned long long)y->ne[2]);
    const ft__json *r = ft__json_get(a->config, "r");
    bool known = true;
    const double said = ft__info_pattern(a->config, "rank_pattern", c->any->base,
                                         r && r->type == FT__JSON_NUMBER ? r->number : (double)rank, &known);
    if (!known || said == (double)rank || (c->rank != rank && said == (double)c->rank)) return NULL;
    return ft__arena_printf(&a->arena, "rank %llu, but adapter_config.json says %lld", (unsigned long long)rank,
                            (long long)(said < 1e9 && said > -1e9 ? said : 0));
}

/* ... and with the model. */
static const char *ft__info_match(ft__info_adapter *a, ft__info_change *c) {
    const ft__info_part *x = c->part[FT__INFO_A], *y = c->part[FT__INFO_B], *whole = c->part[FT__INFO_WHOLE];
    const ft__gguf_tensor *t = ft__gguf_find(&a->model->file, c->any->base);
    if (!t && strcmp(c->any->base, "output.weight") == 0) /* the head is the embedding */
        t = ft__gguf_find(&a->model->file, "token_embd.weight");
    if (!t) return "the model has no such tensor";
    uint64_t in = x && y ? x->ne[c->embedding ? 1 : 0] : whole ? whole->ne[0] : t->ne[0];
    uint64_t out = x && y ? y->ne[1] : whole ? whole->ne[1] : t->ne[1];
    const uint64_t depth = x && y ? x->ne[2] : whole ? whole->ne[2] : t->ne[2];
    if (c->embedding) { const uint64_t n_embd = out; out = in, in = n_embd; } /* a row per token */
    if (in == t->ne[0] && out == t->ne[1] && depth == t->ne[2]) {
        c->weight = t;
        return NULL;
    }
    return ft__arena_printf(&a->arena, "it is for [%llu, %llu, %llu], the model has [%llu, %llu, %llu]",
                            (unsigned long long)in, (unsigned long long)out, (unsigned long long)depth,
                            (unsigned long long)t->ne[0], (unsigned long long)t->ne[1],
                            (unsigned long long)t->ne[2]);
}

static ft_status ft__info_make_changes(ft__info_adapter *a, ft_error *err) {
    if (a->arena.failed) return ft__fail_memory(err);
    if (a->n_parts) qsort(a->parts, a->n_parts, sizeof *a->parts, ft__info_by_place);
    a->changes = (ft__info_change *)ft__arena_alloc(&a->arena, a->n_parts, sizeof *a->changes);
    if (!a->changes) return ft__fail_memory(err);
    for (size_t p = 0; p < a->n_parts; p++) {
        const ft__info_part *part = &a->parts[p];
        if (a->config && strncmp(part->base, "base_model.vera_", 16) == 0) continue; /* all share them */
        if (!a->n_changes || strcmp(a->changes[a->n_changes - 1].any->base, part->base) != 0)
            a->changes[a->n_changes++].any = part;
        a->changes[a->n_changes - 1].part[part->what] = part;
    }
    return FT_OK;
}

static void ft__info_describe(ft__info_adapter *a, ft__info_change *c) {
    const ft__info_part *x = c->part[FT__INFO_A], *y = c->part[FT__INFO_B];
    const ft__json *r = ft__json_get(a->config, "r");
    c->norm = c->relative = c->scale = (double)ft__float_of(0x7fc00000u);
    /* GGUF keeps an embedding's A turned, a row per token; PEFT does not, and neither has other parts for it */
    c->embedding = !a->config && strcmp(c->any->base, "token_embd.weight") == 0;
    if (x && y) c->rank = y->ne[0];
    const uint64_t said = r && ft__json_is_integer(r, 1, 1e9) ? (uint64_t)r->number : 0;
    const ft__json *experts = ft__json_get(a->config, "target_parameters"); /* their factors lie side by side */
    if (said && c->rank % said == 0 && experts && experts->count) c->rank = said;
    if (c->part[FT__INFO_VERA]) c->rank = said;
    if (c->rank) c->scale = ft__info_scale(a, c);
    c->problem = ft__info_check(a, c);
    if (!c->problem && a->model && !a->config) c->problem = ft__info_match(a, c);
    a->n_problems += c->problem != NULL;
}

/* ---- groups */

static void ft__info_widen(double x, double *lo, double *hi) {
    if (!(*lo <= x)) *lo = x; /* NaN at first */
    if (!(*hi >= x)) *hi = x;
}

static ft_status ft__info_make_groups(ft__info_adapter *a, ft_error *err) {
    a->groups = (ft__info_group *)ft__arena_alloc(&a->arena, FT__INFO_MAX_GROUPS, sizeof *a->groups);
    if (!a->groups) return ft__fail_memory(err);
    for (size_t n = 0; n < a->n_changes; n++) {
        const ft__info_change *c = &a->changes[n];
        size_t k = 0;
        while (k < a->n_groups && strcmp(a->groups[k].first->any->module, c->any->module) != 0) k++;
        if (k == FT__INFO_MAX_GROUPS) continue;
        ft__info_group *g = &a->groups[k];
        if (k == a->n_groups) {
            a->n_groups++;
            g->first = c;
            g->rank_lo = g->rank_hi = c->rank;
            g->scale_lo = g->scale_hi = c->scale;
        }
        g->n++;
        if (c->rank < g->rank_lo) g->rank_lo = c->rank;
        if (c->rank > g->rank_hi) g->rank_hi = c->rank;
        if (ft__finite(c->scale)) ft__info_widen(c->scale, &g->scale_lo, &g->scale_hi);
        if (ft__finite(c->norm)) {
            g->n_norm++;
            g->norm_sum += c->norm;
            if (!g->norm_max || c->norm > g->norm_max->norm) g->norm_max = c;
        }
        if (!ft__finite(c->relative)) continue;
        g->n_relative++;
        g->relative_sum += c->relative;
        if (!g->relative_max || c->relative > g->relative_max->relative) g->relative_max = c;
    }
    return FT_OK;
}

/* ---- the report */

/* By general.type or adapter_config.json's peft_type and switches, or what the parts tell. */
static const char *ft__info_method(ft__info_adapter *a) {
    static const char *const kinds[][2] = {{"lora", "LoRA"}, {"LORA", "LoRA"}, {"rslora", "rsLoRA"},
                                           {"dora", "DoRA"}, {"vera", "VeRA"}, {"VERA", "VeRA"}};
    ft__gguf_str said = {"lora", 4};
    bool dora = ft__info_is(a->config, "use_dora");
    const ft__json *type = ft__json_get(a->config, "peft_type");
    for (size_t n = 0; n < a->n_changes; n++) dora = dora || a->changes[n].part[FT__INFO_DORA];
    if (a->config) {
        said.data = type && type->type == FT__JSON_STRING ? type->text : "unknown";
        said.len = strlen(said.data);
    } else if (ft__info_key(&a->file, "ft.adapter.kind").len) {
        said = ft__info_key(&a->file, "ft.adapter.kind");
    }
    for (size_t k = 0; k < FT__COUNT(kinds); k++) {
        if (!ft__text_equal(said.data, said.len, kinds[k][0], strlen(kinds[k][0]))) continue;
        if (strcmp(kinds[k][1], "LoRA") != 0) return kinds[k][1];
        return dora ? a->root ? "DoRA, rsLoRA's scale" : "DoRA" : a->root ? "rsLoRA" : "LoRA";
    }
    return ft__arena_printf(&a->arena, "%.*s, which is not in this version", (int)(said.len > 32 ? 32 : said.len),
                            said.data);
}

static ft_status ft__info_gather_adapter(ft__info_adapter *a, ft_error *err) {
    a->alpha = (double)ft__float_of(0x7fc00000u);
    a->folder = ft__is_folder(a->path);
    ft_status status = a->folder ? ft__info_read_peft(a, err) : ft__info_read_gguf(a, err);
    if (status) return status;
    a->root = ft__info_is(a->config, "use_rslora");
    if (a->folder && a->model && !a->misfit.code) status = ft__info_lower_peft(a, err);
    if (!status) status = ft__info_make_changes(a, err);
    for (size_t n = 0; n < a->n_changes && !status; n++) ft__info_describe(a, &a->changes[n]);
    if (!status) status = ft__info_norms(a, err);
    if (!status) status = ft__info_make_groups(a, err);
    if (!status) status = ft_model_digest(a->path, &a->allocator, a->sha256, err);
    if (!status && (!(a->method = ft__info_method(a)) || a->arena.failed)) return ft__fail_memory(err);
    return status;
}

/* Whether it can be loaded for the model is found out by trying. */
static ft_status ft__info_fit(ft__info_adapter *a, const char *model_path, ft_error *err) {
    ft_model_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.allocator = a->allocator;
    desc.no_pack = true;
    a->model = ft_model_load(model_path, &desc, err);
    if (!a->model) return err->code;
    ft_adapter *adapter = ft_adapter_load(a->model, a->path, &a->misfit);
    if (adapter) a->misfit.code = FT_OK;
    ft_adapter_free(adapter);
    return a->misfit.code == FT_ERR_MEMORY ? ft__fail_memory(err) : FT_OK;
}

FT__PRIV ft_status ft__info_adapter_report(const char *path, const char *model_path, bool json, ft__buf *out,
                                           ft_error *err) {
    ft__info_adapter a;
    ft__json_writer w;
    memset(&a, 0, sizeof a);
    a.path = path;
    a.allocator = out->allocator;
    ft__arena_init(&a.arena, &a.allocator);
    ft__json_writer_init(&w, out, 2);
    ft_status status = model_path ? ft__info_fit(&a, model_path, err) : FT_OK;
    if (!status) status = ft__info_gather_adapter(&a, err);
    if (!status && json) ft__info_adapter_json(&a, &w);
    else if (!status) ft__info_adapter_page(&a, out);
    if (a.gguf_open) ft__gguf_close(&a.file);
    if (a.tensors_open) ft__safetensors_close(&a.tensors);
    ft_model_free(a.model);
    ft__arena_free(&a.arena);
    return status;
}

FT__PRIV bool ft__info_is_adapter(const char *path, const ft_allocator *allocator) {
    ft__gguf g;
    ft__arena arena;
    ft__mapping config;
    bool found = false;
    if (!ft__is_folder(path)) {
        if (ft__gguf_open(&g, path, allocator, NULL)) return false;
        const ft__gguf_str type = ft__info_key(&g, "general.type");
        found = ft__text_equal(type.data, type.len, "adapter", 7);
        ft__gguf_close(&g);
        return found;
    }
    ft__arena_init(&arena, allocator);
    const char *file = ft__path_join(&arena, path, "adapter_config.json");
    if (file && !ft__map_file(file, &config, NULL)) {
        found = true;
        ft__unmap(&config);
    }
    ft__arena_free(&arena);
    return found;
}

ft_status ft_info_adapter(const char *model_path, const char *adapter_path, bool json, ft_write_fn write,
                          void *user, ft_error *err) {
    ft_error mine;
    ft__buf out;
    ft__buf_init(&out, NULL);
    ft_status status = ft__info_adapter_report(adapter_path, model_path, json, &out, err ? err : &mine);
    if (!status) status = ft__buf_write(&out, write, user, adapter_path, err);
    ft__buf_free(&out);
    return status;
}
