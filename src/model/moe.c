/* Mixture of experts: which experts a token takes, with what weights, and what they make of it.  All sums run over
   experts in ascending order and ties go to the lower expert, so that nothing depends on who shares the batch or
   how the work is divided. */
#include "model.h"

/* ---- the choice */

static float ft__moe_most(const float *p, int n) {
    float max = p[0];
    for (int e = 1; e < n; e++) max = p[e] > max ? p[e] : max;
    return max;
}

static void ft__moe_softmax(float *p, int n) {
    float max = ft__moe_most(p, n), sum = 0;
    for (int e = 0; e < n; e++) {
        p[e] = ft__expf(p[e] - max);
        sum = sum + p[e];
    }
    float share = ft__recipf(sum);
    for (int e = 0; e < n; e++) p[e] = p[e] * share;
}

/* Marks the n_best largest of n values. */
static void ft__moe_best(const float *value, const bool *allowed, int n, int n_best, bool *chosen) {
    memset(chosen, 0, (size_t)n * sizeof *chosen);
    for (int k = 0; k < n_best; k++) {
        int best = -1;
        for (int e = 0; e < n; e++)
            if (!chosen[e] && (!allowed || allowed[e]) && (best < 0 || value[e] > value[best])) best = e;
        if (best >= 0) chosen[best] = true;
    }
}

/* A group is as good as its two best experts together. */
static void ft__moe_groups(const ft__routing *r, const float *value, bool *allowed) {
    const int size = r->n_experts / r->n_groups;
    float score[FT__MAX_EXPERTS];
    bool kept[FT__MAX_EXPERTS];
    for (int g = 0; g < r->n_groups; g++) {
        const float *of = value + g * size;
        int first = 0, second = 1;
        if (of[1] > of[0]) first = 1, second = 0;
        for (int e = 2; e < size; e++) {
            if (of[e] > of[first]) second = first, first = e;
            else if (of[e] > of[second]) second = e;
        }
        score[g] = of[first] + of[second];
    }
    ft__moe_best(score, NULL, r->n_groups, r->n_groups_used, kept);
    for (int e = 0; e < r->n_experts; e++) allowed[e] = kept[e / size];
}

/* The weights of the chosen from their logits alone. */
static void ft__moe_softmax_chosen(float *p, const bool *chosen, int n) {
    float max = 0, sum = 0;
    bool any = false;
    for (int e = 0; e < n; e++)
        if (chosen[e] && (!any || p[e] > max)) max = p[e], any = true;
    for (int e = 0; e < n; e++) {
        if (!chosen[e]) continue;
        p[e] = ft__expf(p[e] - max);
        sum = sum + p[e];
    }
    float share = ft__recipf(sum);
    for (int e = 0; e < n; e++)
        if (chosen[e]) p[e] = p[e] * share;
}

FT__PRIV void ft__moe_route(const ft__routing *r, const float *bias, float *p) {
    const int n = r->n_experts;
    float value[FT__MAX_EXPERTS], sum = 0;
    bool chosen[FT__MAX_EXPERTS], allowed[FT__MAX_EXPERTS];
    for (int e = 0; e < n; e++) {
        if (ft__finite((double)p[e]) && (!bias || ft__finite((double)bias[e]))) continue;
        for (int all = 0; all < n; all++) p[all] = ft__float_of(0x7FC00000u);
        return;
    }
    if (r->gating == FT__GATING_SOFTMAX) ft__moe_softmax(p, n);
    for (int e = 0; e < n && r->gating == FT__GATING_SIGMOID; e++) p[e] = ft__forward_sigmoid(p[e]);
    for (int e = 0; e < n; e++) value[e] = bias ? p[e] + bias[e] : p[e];
    if (r->n_groups > 1) ft__moe_groups(r, value, allowed);
    ft__moe_best(value, r->n_groups > 1 ? allowed : NULL, n, r->n_used, chosen);
    if (r->gating == FT__GATING_CHOSEN) ft__moe_softmax_chosen(p, chosen, n);
    for (int e = 0; e < n; e++)
        if (chosen[e]) sum = sum + p[e];
    float norm = r->normed ? ft__recipf(sum > 6.103515625e-5f ? sum : 6.103515625e-5f) : 1.0f;
    for (int e = 0; e < n; e++) p[e] = chosen[e] ? (p[e] * norm) * r->scale : 0.0f;
}

/* ---- the experts at work */

/* A gated unit: out = down(act(gate x) up x), weights as gate, up, down. */
static void ft__moe_unit(ft__forward *f, const ft__linear *unit, const ft__acts *a, const int *variants,
                         float *out) {
    ft__scratch *s = f->scratch;
    const ft__matrix *down = &unit[2].w;
    ft__forward_linear(f, &unit[0], a, variants, s->gate, (size_t)unit[0].w.n_rows);
    ft__forward_linear(f, &unit[1], a, variants, s->up, (size_t)unit[1].w.n_rows);
    ft__forward_input in = ft__forward_input_of(f, s->gate, a->n_tokens, down->n_cols, ft__forward_want(down));
    in.up = s->up;
    ft__acts gated = ft__forward_acts(f, in);
    ft__forward_linear(f, &unit[2], &gated, variants, out, (size_t)down->n_rows);
}

/* One expert's slices of the three matrices. */
static void ft__moe_slices(const ft_model *m, const ft__layer *at, int expert, ft__linear unit[3]) {
    for (int k = 0; k < 3; k++) {
        ft__matrix *w = &unit[k].w;
        unit[k] = at->expert[k];
        const bool joined = k == 1 && !w->format, halved = k == 0 && !at->expert[1].w.format;
        if (joined) unit[k] = at->expert[0];
        w->n_rows /= m->routing.n_experts;
        size_t first = (size_t)expert * (size_t)w->n_rows;
        if (joined || halved) w->n_rows /= 2;
        if (joined) first += (size_t)w->n_rows;
        w->data += first * w->row_bytes;
        if (w->packed) w->packed += first / FT__LANES * ft__pack_group_bytes(w);
        if (unit[k].bias) unit[k].bias += first;
        unit[k].first_row += (int)first;
    }
}

/* One expert on the tokens that chose it, rows of x: gathered, computed, added with their weights. */
static void ft__moe_expert(ft__forward *f, int layer, int expert, const float *x) {
    ft__scratch *s = f->scratch;
    const ft_model *m = f->model;
    const int D = m->info.n_embd, E = m->routing.n_experts;
    const bool weigh_input = (m->arch->flags & FT__ARCH_WEIGH_INPUT) != 0;
    const float *weights = s->expert_weight + expert;
    ft__linear unit[3];
    int n = 0;
    for (int t = 0; t < f->n_slots; t++) {
        if (weights[(size_t)t * (size_t)E] == 0) continue;
        float *to = s->expert_x + (size_t)n * (size_t)D;
        memcpy(to, x + (size_t)t * (size_t)D, (size_t)D * sizeof(float));
        if (weigh_input) m->kernels.scale(to, to, weights[(size_t)t * (size_t)E], NULL, D);
        s->expert_variants[n] = s->variants[t];
        s->rows[n++] = t;
    }
    if (!n) return;
    ft__moe_slices(m, &m->layers[layer], expert, unit);
    unsigned want = ft__forward_want(&unit[0].w) | ft__forward_want(&unit[1].w);
    ft__acts a = ft__forward_acts(f, ft__forward_input_of(f, s->expert_x, n, D, want));
    ft__moe_unit(f, unit, &a, s->expert_variants, s->expert_x);
    for (int r = 0; r < n; r++) {
        const float weight = weigh_input ? 1.0f : weights[(size_t)s->rows[r] * (size_t)E];
        float *y = s->expert_y + (size_t)s->rows[r] * (size_t)D, *from = s->expert_x + (size_t)r * (size_t)D;
        for (int d = 0; d < D; d++) y[d] = y[d] + weight * from[d];
    }
}

/* The shared expert's output times sigmoid(x . gate). */
static void ft__moe_shared_gate(ft__forward *f, const ft__linear *gate, const ft__acts *a) {
    const ft_model *m = f->model;
    const int D = m->info.n_embd;
    float *share = f->scratch->gate, *y = f->scratch->expert_y;
    ft__forward_linear(f, gate, a, f->scratch->variants, share, 1);
    for (int t = 0; t < f->n_slots; t++, y += D) m->kernels.scale(y, y, ft__forward_sigmoid(share[t]), NULL, D);
}

/* The shared expert first, then the others in ascending order, so that a token's sum has one order whoever
   shares the batch. */
FT__PRIV void ft__moe_experts(ft__forward *f, int layer, const ft__acts *a) {
    ft__scratch *s = f->scratch;
    const ft_model *m = f->model;
    const ft__layer *at = &m->layers[layer];
    const size_t n_x = (size_t)f->n_slots * (size_t)m->info.n_embd, E = (size_t)m->routing.n_experts;
    ft__forward_linear(f, &at->router, a, s->variants, s->expert_weight, E);
    for (int t = 0; t < f->n_slots; t++)
        ft__moe_route(&m->routing, at->choice_bias, s->expert_weight + (size_t)t * E);
    if (at->shared[0].w.format) {
        ft__moe_unit(f, at->shared, a, s->variants, s->expert_y);
        if (at->shared_gate.w.format) ft__moe_shared_gate(f, &at->shared_gate, a);
    } else memset(s->expert_y, 0, n_x * sizeof(float));
    for (int e = 0; e < (int)E; e++) ft__moe_expert(f, layer, e, a->x);
    memcpy(s->h, s->expert_y, n_x * sizeof(float));
}

/* x normed with `norm` into s->h, for matrices that want it so. */
static ft__acts ft__moe_normed(ft__forward *f, const float *norm, unsigned want) {
    ft__scratch *s = f->scratch;
    ft__forward_input in = ft__forward_input_of(f, s->x, f->n_slots, f->model->info.n_embd, want);
    in.norm = norm;
    in.normed = s->h;
    return ft__forward_acts(f, in);
}

/* gemma4 has experts beside the gated unit, each with norms of its own, and the router another one still. */
FT__PRIV void ft__moe_beside(ft__forward *f, int layer, const ft__acts *a) {
    ft__scratch *s = f->scratch;
    const ft_model *m = f->model;
    const ft__layer *at = &m->layers[layer];
    const size_t D = (size_t)m->info.n_embd, E = (size_t)m->routing.n_experts;
    ft__forward_dense(f, layer, a, s->side);
    ft__acts in = ft__moe_normed(f, at->router_norm, ft__forward_want(&at->router.w));
    ft__forward_linear(f, &at->router, &in, s->variants, s->expert_weight, E);
    for (size_t t = 0; t < (size_t)f->n_slots; t++) {
        ft__moe_route(&m->routing, NULL, s->expert_weight + t * E);
        for (size_t e = 0; e < E && at->expert_scale; e++) s->expert_weight[t * E + e] *= at->expert_scale[e];
    }
    in = ft__moe_normed(f, at->expert_norm, 0);
    memset(s->expert_y, 0, (size_t)f->n_slots * D * sizeof(float));
    for (int e = 0; e < (int)E; e++) ft__moe_expert(f, layer, e, in.x);
    for (size_t t = 0; t < (size_t)f->n_slots; t++) {
        float *h = s->h + t * D, *y = s->expert_y + t * D;
        const int variant = s->variants[t];
        ft__forward_norm(m, s->side + t * D, ft__forward_vector(f, variant, at->unit_post_norm), (int)D, h);
        ft__forward_norm(m, y, ft__forward_vector(f, variant, at->expert_post_norm), (int)D, y);
        m->kernels.add(h, y, (int)D);
    }
}
