/* digest MODEL ADAPTER - prints one number for all bits that the model computes: logits of the base
   with both kinds of cache and of the adapter, and sampled tokens.  Public interface only, compiled
   in many ways; every build must print the same. */
#define FT_IMPLEMENTATION
#include "ft.h"

#include <stdio.h>
#include <string.h>

static void add(uint64_t *hash, const void *bytes, size_t n) { /* FNV-1a */
    const unsigned char *p = (const unsigned char *)bytes;
    for (size_t i = 0; i < n; i++) *hash = (*hash ^ p[i]) * 1099511628211u;
}

static int add_bytes(void *user, const char *bytes, size_t n) {
    add((uint64_t *)user, bytes, n);
    return 0;
}

static ft_status add_sampled(ft_session *s, int variant, uint64_t *hash, ft_error *err) {
    static const int32_t prompt[] = {1, 40, 300, 77};
    ft_request r;
    ft_completion c;
    memset(&r, 0, sizeof r);
    r.variant = variant;
    r.prompt = prompt;
    r.n_prompt = 4;
    r.max_tokens = 16;
    r.sampling.temperature = 0.8f;
    r.sampling.top_k = 50;
    r.sampling.top_p = 0.95f;
    r.sampling.min_p = 0.01f;
    r.sampling.seed = 5;
    ft_status status = ft_session_generate(s, &r, 1, &c, NULL, err);
    if (status) return status;
    add(hash, c.tokens, (size_t)c.n_tokens * sizeof *c.tokens);
    ft_completions_free(s, &c, 1);
    return FT_OK;
}

static ft_status add_model(const ft_model *m, const char *adapter, ft_kv_type kv, uint64_t *hash,
                           ft_error *err) {
    const char *specs[1];
    int32_t tokens[70]; /* over the edge of a tile of 64 keys */
    int variant = 0;
    ft_session_desc desc = {2, 128, kv, 16, 0, 0, false};
    ft_session *s = ft_session_create(m, &desc, err);
    if (!s) return err->code;
    for (int i = 0; i < 70; i++) tokens[i] = (i * 37 + 5) % 380;
    specs[0] = adapter;
    ft_status status = ft_session_load_variant(s, specs, 1, &variant, err);
    for (int v = 0; v <= variant && !status; v++) {
        status = ft_session_write_logits(s, v, tokens, 70, add_bytes, hash, err);
        if (!status) status = add_sampled(s, v, hash, err);
    }
    ft_session_free(s);
    return status;
}

int main(int argc, char **argv) {
    ft_error err = {FT_OK, "", ""};
    uint64_t hash = 14695981039346656037u;
    ft_model *m = argc == 3 ? ft_model_load(argv[1], NULL, &err) : NULL;
    ft_status status = m ? add_model(m, argv[2], FT_KV_F32, &hash, &err) : FT_ERR_ARGUMENT;
    if (!status) status = add_model(m, argv[2], FT_KV_F16, &hash, &err);
    ft_model_free(m);
    if (status)
        fprintf(stderr, "%s: %s\n", err.where, err.message);
    else
        printf("%08x%08x\n", (unsigned)(hash >> 32), (unsigned)hash);
    return status ? ft_status_exit_code(err.code) : 0;
}
