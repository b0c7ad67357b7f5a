/* Before a comparison runs: does every candidate change something?  An adapter that was never applied, or was
   never trained, would tie with the base on every row and look harmless.  So both read the last places of
   the first prompts, and if no bit of any logit differs that is an error.  Who wants base against base names
   the base's own file as the candidate's model. */
#include "release.h"

enum { FT__CANARY_ROWS = 8, FT__CANARY_PLACES = 16 };

FT__PRIV bool ft__canary_same_prompts(const ft__compare *c, int model) {
    const ft__compare_model *base = &c->models[0], *other = &c->models[model];
    if (!ft_model_same_vocabulary(base->model, other->model)) return false;
    for (size_t i = 0; i < c->job->n_rows; i++)
        if (base->n_prompt[i] != other->n_prompt[i] ||
            memcmp(base->prompts[i], other->prompts[i], sizeof(int32_t) * (size_t)base->n_prompt[i]) != 0)
            return false;
    return true;
}

static ft_status ft__canary_fail(ft__compare *c, int variant, int n_places) {
    const ft__variant *v = &c->job->variants[variant];
    const char *path = v->adapter ? v->adapter : c->job->models[v->model];
    if (n_places == 0)
        return ft__fail(c->err, FT_ERR_MISMATCH, path,
                        "candidate \"%.80s\": this is the base itself, byte for byte; to compare the base with "
                        "itself, give the base's own path as \"model\"",
                        v->name);
    return ft__fail(c->err, FT_ERR_MISMATCH, path,
                    "candidate \"%.80s\": the %s changes nothing%s: at %d places of the first rows every logit "
                    "is the base's, bit for bit",
                    v->name, v->adapter ? "adapter" : "model",
                    v->adapter && v->scale == 0 ? " (its scale is 0)" : "", n_places);
}

/* Both read the ends of the first prompts of a model. */
static ft_status ft__canary_run(ft__compare *c, int variant, ft_reader without, ft_reader with) {
    const ft__compare_model *m = &c->models[c->job->variants[variant].model];
    ft_diverge_request requests[FT__CANARY_ROWS];
    ft_divergence out[FT__CANARY_ROWS];
    int n_rows = c->job->n_rows < FT__CANARY_ROWS ? (int)c->job->n_rows : (int)FT__CANARY_ROWS;
    int n_changed = 0, n_places = 0;
    memset(requests, 0, sizeof requests);
    for (int i = 0; i < n_rows; i++) {
        const int n = m->n_prompt[i], first = n > FT__CANARY_PLACES ? n - FT__CANARY_PLACES : 1;
        int32_t *tokens = (int32_t *)ft__arena_alloc(&c->arena, (size_t)n + 1, sizeof *tokens);
        if (!tokens) return ft__fail_memory(c->err);
        memcpy(tokens, m->prompts[i], (size_t)n * sizeof *tokens);
        tokens[n] = tokens[0]; /* any token: what is looked at comes before it */
        requests[i].prompt = tokens;
        requests[i].n_prompt = first;
        requests[i].reference = tokens + first;
        requests[i].n_reference = n + 1 - first;
    }
    ft_status status = ft_diverge(without, with, requests, n_rows, out, c->err);
    for (int i = 0; i < n_rows && !status; i++) n_changed += out[i].n_changed, n_places += out[i].n_tokens;
    return status || n_changed ? status : ft__canary_fail(c, variant, n_places);
}

/* The base's file as it is, brought into no other type and with nothing merged into it. */
static bool ft__canary_is_base(const ft__compare *c, int m) {
    const char *own = c->job->quantize[m], *base = c->job->quantize[0];
    return strcmp(c->r->model_digests[m], c->r->model_digests[0]) == 0 && !c->job->merged[m] &&
           strcmp(own ? own : "", base ? base : "") == 0;
}

/* A candidate's adapter beside its model without it; another model beside the base. */
static ft_status ft__canary_model(ft__compare *c, int m, ft_session *base, const ft__compare_batch *b) {
    ft_status status = FT_OK;
    for (int i = 0; i < b->n && !status; i++) {
        const int v = b->variants[i];
        const bool adapted = c->adapters[v] != NULL;
        ft_reader without = {adapted ? b->session : base, 0}, with = {b->session, b->session_variants[i]};
        if (!adapted && m == 0) continue;
        if (!adapted && ft__canary_is_base(c, m)) status = ft__canary_fail(c, v, 0);
        else if (adapted || ft__canary_same_prompts(c, m))
            status = ft__canary_run(c, v, without, with);
    }
    return status;
}

FT__PRIV ft_status ft__canary_check(ft__compare *c) {
    ft__compare_batch base, other;
    ft_status status = ft__compare_open(c, 0, &base);
    if (!status) status = ft__canary_model(c, 0, base.session, &base);
    for (int m = 1; m < c->job->n_models && !status; m++) {
        status = ft__compare_open(c, m, &other);
        if (!status) status = ft__canary_model(c, m, base.session, &other);
        ft_session_free(other.session);
    }
    ft_session_free(base.session);
    return status;
}
