/* The rotation of heads (RoPE): what frequencies a file asks for.  Plain ones, divided by factors that stand in a
   tensor (Llama 3, LongRoPE), by one factor (linear), or by YaRN; layers with a window may have their own. */
#include "model.h"

typedef struct ft__rope_scaling {
    double base, factor, original, attn_factor, beta_fast, beta_slow, log_multiplier;
    char type; /* 'n'one, 'l'inear, 'y'arn */
} ft__rope_scaling;

/* YaRN (Peng et al. 2023): fast dimensions keep their angle, slow ones are divided by the factor, those
   between are mixed; the two ends are where a wavelength fits beta times into the context. */
static void ft__rope_yarn(ft__rope *r, const ft__rope_scaling *s) {
    const double two_pi = 6.283185307179586, n_rot = r->n_rot;
    double ends[2];
    for (int i = 0; i < 2; i++)
        ends[i] = n_rot * ft__log(s->original / ((i ? s->beta_slow : s->beta_fast) * two_pi)) /
                  (2 * ft__log(s->base));
    double lo = ft__floor(ends[0]), hi = -ft__floor(-ends[1]);
    if (lo < 0) lo = 0;
    if (hi > n_rot - 1) hi = n_rot - 1;
    double width = hi - lo < 0.001 ? 0.001 : hi - lo;
    for (int i = 0; i < r->n_rot / 2; i++) {
        double slow = (i - lo) / width;
        slow = slow < 0 ? 0 : slow > 1 ? 1 : slow;
        r->freq[i] *= (1 - slow) + slow / s->factor;
    }
}

static ft_status ft__rope_make(ft__loader *l, const ft__rope_scaling *s, const float *divide, ft__rope *r) {
    double scale = s->attn_factor, stretch = s->factor > 1 ? 0.1 * ft__log(s->factor) : 0;
    r->freq = (double *)ft__arena_alloc(&l->m->arena, (size_t)r->n_rot / 2, sizeof(double));
    if (!r->freq) return ft__fail_memory(l->err);
    for (int i = 0; i < r->n_rot / 2; i++) {
        r->freq[i] = ft__pow(s->base, -2.0 * i / r->n_rot);
        if (divide) r->freq[i] /= (double)divide[i];
        if (s->type == 'l') r->freq[i] /= s->factor;
    }
    if (s->type == 'y') {
        ft__rope_yarn(r, s);
        if (s->factor > 1 && !l->m->kv_rank) scale *= 1 + stretch;
        if (s->log_multiplier > 0 && !l->m->kv_rank) scale /= 1 + s->log_multiplier * stretch;
    }
    for (int i = 0; i < r->n_rot / 2; i++) /* angles must stay where sin and cos are computed */
        if (!(r->freq[i] >= 0 && r->freq[i] <= 64))
            return ft__fail(l->err, FT_ERR_FORMAT, l->m->file.path,
                            "rope frequency %d is not between 0 and 64 radians per position", i);
    r->scale = (float)scale;
    return FT_OK;
}

static ft_status ft__rope_read_scaling(ft__loader *l, ft__rope_scaling *s) {
    ft_model *m = l->m;
    ft__gguf_str type = {"linear", 6};
    ft_status status = ft__arch_float(l, "rope.freq_base", 0, 1e18, &s->base);
    if (!status) status = ft__arch_float(l, "rope.scaling.factor", 0, 1e18, &s->factor);
    if (!status) status = ft__arch_float(l, "rope.scaling.original_context_length", 0, 1e18, &s->original);
    if (!status) status = ft__arch_float(l, "rope.scaling.attn_factor", -1e6, 1e6, &s->attn_factor);
    if (!status && ft__arch_has(m, FT__ARCH_YARN_KEYS)) {
        status = ft__arch_float(l, "rope.scaling.yarn_beta_fast", 1e-6, 1e6, &s->beta_fast);
        if (!status) status = ft__arch_float(l, "rope.scaling.yarn_beta_slow", 1e-6, 1e6, &s->beta_slow);
        if (!status) status = ft__arch_float(l, "rope.scaling.yarn_log_multiplier", 0, 1e6, &s->log_multiplier);
    }
    ft__arch_key(l, "rope.scaling.type");
    if (!status) status = ft__gguf_string(&m->file, l->name, &type, l->err);
    if (status) return status;
    if (s->base <= 1 || s->factor <= 0 || s->original < 1 || m->rope[0].n_rot % 2)
        return ft__fail(l->err, FT_ERR_FORMAT, m->file.path, "the rope parameters make no sense");
    const bool longrope = ft__arch_has(m, FT__ARCH_LONG_ROPE) && ft__text_equal(type.data, type.len, "longrope", 8);
    if (ft__text_equal(type.data, type.len, "yarn", 4)) s->type = 'y';
    else if (ft__text_equal(type.data, type.len, "linear", 6)) s->type = 'l';
    else if (ft__text_equal(type.data, type.len, "none", 4) || longrope) s->type = 'n';
    else
        return ft__fail(l->err, FT_ERR_UNSUPPORTED, m->file.path,
                        "%s: found \"%.*s\", expected none, linear or yarn", l->name,
                        (int)(type.len > 32 ? 32 : type.len), type.data);
    return FT_OK;
}

/* LongRoPE (Ding et al. 2024): two sets of factors, and the length of the context says which. */
static ft_status ft__rope_long(ft__loader *l, const ft__rope_scaling *s, float **divide) {
    ft_model *m = l->m;
    const int n = m->rope[FT__ROPE_FULL].n_rot / 2;
    float *longer;
    ft_status status = ft__weights_vector(l, "rope_factors_short.weight", n, 1, true, divide);
    if (!status) status = ft__weights_vector(l, "rope_factors_long.weight", n, 1, !*divide, &longer);
    if (status || (!*divide && !longer)) return status;
    if (!*divide)
        return ft__fail(l->err, FT_ERR_FORMAT, m->file.path, "rope_factors_short.weight is missing");
    m->rope[FT__ROPE_LONG].n_rot = m->rope[FT__ROPE_FULL].n_rot;
    m->long_from = s->original < INT_MAX ? (int)s->original : INT_MAX;
    return ft__rope_make(l, s, longer, &m->rope[FT__ROPE_LONG]);
}

/* Latent attention has YaRN's stretch in the scores instead of cos and sin.  The key holds a tenth of it. */
static ft_status ft__rope_latent_scale(ft__loader *l, const ft__rope_scaling *s) {
    ft_model *m = l->m;
    double tenth = 0;
    m->latent_scale = 1;
    if (s->type != 'y') return FT_OK;
    ft_status status = ft__arch_float(l, "rope.scaling.yarn_log_multiplier", 1e-9, 1e3, &tenth);
    double stretch = s->factor > 1 ? 1 + tenth * ft__log(s->factor) : 1;
    m->latent_scale = stretch * stretch;
    return status;
}

FT__PRIV ft_status ft__rope_read(ft__loader *l) {
    ft_model *m = l->m;
    ft__rope_scaling s = {10000, 1, (double)m->info.n_ctx, 1, 32, 1, 0, 'l'};
    ft__rope *full = &m->rope[FT__ROPE_FULL], *local = &m->rope[FT__ROPE_LOCAL];
    float *divide = NULL;
    full->n_rot = m->info.head_dim;
    ft_status status = ft__arch_int(l, "rope.dimension_count", 2, m->info.head_dim, &full->n_rot);
    if (!status) status = ft__rope_read_scaling(l, &s);
    if (!status && ft__arch_has(m, FT__ARCH_ROPE_FREQS))
        status = ft__weights_vector(l, "rope_freqs.weight", full->n_rot / 2, 1, true, &divide);
    if (!status && ft__arch_has(m, FT__ARCH_LONG_ROPE)) status = ft__rope_long(l, &s, &divide);
    if (!status && m->kv_rank) status = ft__rope_latent_scale(l, &s);
    if (!status) status = ft__rope_make(l, &s, divide, full);
    if (status || !ft__arch_has(m, FT__ARCH_LOCAL_BASE | FT__ARCH_LOCAL_PLAIN)) return status;
    local->n_rot = full->n_rot;
    if (ft__arch_has(m, FT__ARCH_LOCAL_BASE)) {
        if (ft__arch_has(m, FT__ARCH_LOCAL_PLAIN)) s.base = 10000;
        status = ft__arch_float(l, "rope.freq_base_swa", 1.000001, 1e18, &s.base);
    }
    if (!status && ft__arch_has(m, FT__ARCH_GEMMA4)) {
        local->n_rot = m->local_head_dim;
        status = ft__arch_int(l, "rope.dimension_count_swa", 2, m->local_head_dim, &local->n_rot);
        if (!status && local->n_rot % 2)
            status = ft__fail(l->err, FT_ERR_FORMAT, m->file.path, "%s: found an odd number", l->name);
    }
    if (ft__arch_has(m, FT__ARCH_LOCAL_PLAIN)) s.type = 'n', s.attn_factor = 1;
    return status ? status : ft__rope_make(l, &s, NULL, local);
}
