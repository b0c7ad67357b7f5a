/* LoRA of experts, which the base's file has in one tensor of three dimensions: each expert as a module of its
   own, or all at once as a parameter (target_parameters) whose A and B hold the factors of all. */
#include "peft.h"

static ft_status ft__peft_check_plain(ft__peft *p, const char *module) {
    if (!p->dora && !p->lora_bias) return FT_OK;
    return ft__hf_fail(&p->h, FT_ERR_UNSUPPORTED, FT__PEFT_CONFIG, p->dora ? "use_dora" : "lora_bias",
                       "of experts is not in this version: %.100s", module);
}

FT__PRIV ft_status ft__peft_experts(ft__peft *p, const ft__peft_place *place, const char *module,
                                    const ft__hf_tensor *t) {
    const char *number = strstr(module, ".experts.") + 9, *behind = number;
    const uint64_t n_in = place->w->ne[0], n_out = place->w->ne[1], n = place->w->ne[2];
    float *all_a = NULL, *all_b = NULL;
    uint64_t first_rank = 0;
    double first_factor = 0;
    ft_status status = ft__peft_check_plain(p, module);
    if (status) return status;
    while (*behind >= '0' && *behind <= '9') behind++;
    for (uint64_t e = 0; e < n; e++) {
        char one[512];
        ft__hf_tensor *a, *b;
        uint64_t rank;
        double factor = 0;
        bool wanted;
        snprintf(one, sizeof one, "%.*s%d%s", (int)(number - module), module, (int)e, behind);
        status = ft__peft_is_target(p, one, &wanted);
        if (!status && !wanted && !ft__peft_part(p, one, ".lora_A.weight") &&
            !ft__peft_part(p, one, ".lora_B.weight"))
            continue;
        if (!status) status = ft__peft_pair(p, one, place->w, &a, &b, &rank);
        if (!status) status = ft__peft_factor(p, one, rank, &factor);
        if (status) return status;
        if (!all_a) {
            size_t size_a, size_b;
            if (!ft__mul_size((size_t)n, (size_t)a->t->count, &size_a) ||
                !ft__mul_size((size_t)n, (size_t)b->t->count, &size_b))
                return ft__fail_memory(p->h.err);
            all_a = (float *)ft__arena_alloc(&p->h.g->arena, size_a, sizeof *all_a);
            all_b = (float *)ft__arena_alloc(&p->h.g->arena, size_b, sizeof *all_b);
            if (!all_a || !all_b) return ft__fail_memory(p->h.err);
            first_rank = rank;
            first_factor = factor;
        }
        if (rank != first_rank || factor < first_factor || factor > first_factor)
            return ft__peft_bad(p, a, FT_ERR_UNSUPPORTED,
                                "experts of one layer with different ranks or alphas are not in this version");
        ft__safetensors_floats(a->t, 0, (size_t)a->t->count, all_a + e * a->t->count);
        ft__safetensors_floats(b->t, 0, (size_t)b->t->count, all_b + e * b->t->count);
    }
    if (!t->used)
        return ft__peft_bad(p, t, FT_ERR_MISMATCH, "the base has no such expert, or no pair is beside it");
    ft__peft_put(p, place->name, "lora_a", n_in, first_rank, n, 0, all_a);
    ft__peft_put(p, place->name, "lora_b", first_rank, n_out, n, 0, all_b);
    return ft__peft_put_scale(p, place->name, first_factor, first_rank);
}

/* A pair over all experts at once (target_parameters), A (experts * rank, i) and B (o, rank * experts), for
   some rows of the parameter: its first, and how far from one to the next. */
typedef struct ft__peft_stacked {
    const float *a, *b;    /* as in the file */
    uint64_t rank, i, o;   /* i: columns of a, o: rows of b */
    bool turned;           /* the parameter is (experts, outputs, inputs): a meets outputs, b inputs */
    uint64_t first, step;
} ft__peft_stacked;

static ft_status ft__peft_put_stacked(ft__peft *p, const char *weight, const ft__gguf_tensor *w,
                                      const ft__peft_stacked *s, double factor) {
    const uint64_t n_in = w->ne[0], n_out = w->ne[1], n = w->ne[2], r = s->rank;
    size_t size_a, size_b;
    if (!ft__mul_size((size_t)(n_in * n), (size_t)r, &size_a) ||
        !ft__mul_size((size_t)(n_out * n), (size_t)r, &size_b))
        return ft__fail_memory(p->h.err);
    float *a = (float *)ft__arena_alloc(&p->h.g->arena, size_a, sizeof *a);
    float *b = (float *)ft__arena_alloc(&p->h.g->arena, size_b, sizeof *b);
    if (!a || !b) return ft__fail_memory(p->h.err);
    for (uint64_t e = 0; e < n; e++)
        for (uint64_t k = 0; k < r; k++) {
            const float *row = s->a + (e * r + k) * s->i; /* of A; B has this expert's k at column k n + e */
            for (uint64_t i = 0; i < n_in; i++)
                a[(e * r + k) * n_in + i] = s->turned ? s->b[i * r * n + k * n + e] : row[i];
            for (uint64_t o = 0; o < n_out; o++) {
                const uint64_t from = s->first + s->step * o;
                b[(e * n_out + o) * r + k] = s->turned ? row[from] : s->b[from * r * n + k * n + e];
            }
        }
    ft__peft_put(p, weight, "lora_a", n_in, r, n, 0, a);
    ft__peft_put(p, weight, "lora_b", r, n_out, n, 0, b);
    return ft__peft_put_scale(p, weight, factor, r);
}

/* Which parameter a pair is of, its sizes tell.  gpt-oss and llama4 have (experts, inputs, outputs), others
   the outputs first; there a square one could be either. */
FT__PRIV ft_status ft__peft_parameter(ft__peft *p, const char *module, int layer) {
    static const char *const parts[4] = {"gate", "up", "gate_up", "down"};
    const bool oss = strcmp(p->base->info.architecture, "gpt-oss") == 0;
    const bool plain = oss || strcmp(p->base->info.architecture, "llama4") == 0;
    const ft__gguf_tensor *w[4];
    char names[4][64], clean[512], *end;
    ft__peft_stacked s;
    ft_status status = ft__peft_check_plain(p, module);
    if (status) return status;
    memset(&s, 0, sizeof s);
    for (int i = 0; i < 4; i++) {
        snprintf(names[i], sizeof names[i], "blk.%d.ffn_%s_exps.weight", layer, parts[i]);
        w[i] = ft__gguf_find(&p->base->file, names[i]);
    }
    ft__hf_tensor *a = ft__peft_part(p, module, ".lora_A.weight"), *b = ft__peft_part(p, module, ".lora_B.weight");
    if (!a || !b)
        return ft__peft_missing(p, module, a ? ".lora_B.weight" : ".lora_A.weight", "its other half is there");
    if (!w[3] || (!w[2] && (!w[0] || !w[1])))
        return ft__peft_bad(p, a, FT_ERR_MISMATCH, "the base has no experts in this layer");
    const uint64_t n = w[3]->ne[2], d = w[3]->ne[1], f = w[3]->ne[0];
    s.i = a->t->shape[1];
    s.o = b->t->shape[0];
    const bool up = s.i == d ? s.o == 2 * f : s.o == d && s.i == 2 * f;
    const uint64_t in = up ? d : f, out = up ? 2 * f : d;
    s.turned = !(s.i == in && s.o == out);
    snprintf(clean, sizeof clean, "%s", module);
    while ((end = strstr(clean, ".base_layer")) != NULL) memmove(end, end + 11, strlen(end + 11) + 1);
    snprintf(clean + strlen(clean), sizeof clean - strlen(clean), ".%s", up ? "gate_up_proj" : "down_proj");
    if (!ft__peft_is_parameter(p, clean))
        return ft__peft_bad(p, a, FT_ERR_FORMAT, "adapter_config.json does not name it in target_parameters");
    if (!plain && in == out)
        return ft__peft_bad(p, a, FT_ERR_UNSUPPORTED,
                            "experts with as many inputs as outputs: the file does not tell which are which");
    double factor = 0;
    status = ft__peft_check_rank(p, a, clean, a->t->shape[0] % n ? 0 : a->t->shape[0] / n, &s.rank);
    if (!status) status = ft__peft_factor(p, clean, s.rank, &factor);
    if (!status) status = ft__peft_take(p, a, s.rank * n, s.turned && !plain ? out : in);
    if (!status) status = ft__peft_take(p, b, s.turned && !plain ? in : out, s.rank * n);
    if (status) return status;
    s.a = ft__peft_floats(p, a, &p->h.arena);
    s.b = s.a ? ft__peft_floats(p, b, &p->h.arena) : NULL;
    if (!s.b) return FT_ERR_MEMORY;
    s.step = 1;
    if (!up) return ft__peft_put_stacked(p, names[3], w[3], &s, factor);
    if (w[2]) return ft__peft_put_stacked(p, names[2], w[2], &s, factor);
    s.step = oss ? 2 : 1; /* there gate and up take turns */
    status = ft__peft_put_stacked(p, names[0], w[0], &s, factor);
    s.first = oss ? 1 : f;
    return status ? status : ft__peft_put_stacked(p, names[1], w[1], &s, factor);
}

FT__PRIV bool ft__peft_is_experts(const ft__peft *p, const char *module, int *layer) {
    const char *prefix, *at = ft__peft_rest(module, &prefix), *end = strstr(at, ".experts");
    if (strncmp(at, "layers.", 7) != 0 || !end) return false;
    for (*layer = 0, at += 7; *at >= '0' && *at <= '9' && *layer < 100000; at++) *layer = *layer * 10 + *at - '0';
    for (end += 8; strncmp(end, ".base_layer", 11) == 0;) end += 11;
    return !*end && *at == '.' && *layer < p->base->info.n_layers;
}
