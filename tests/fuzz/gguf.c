/* GGUF: the bytes as a file, for each call that reads one; a model that loads also runs. */
#include "fuzz.h"

static int fuzz_swallow(void *user, const char *bytes, size_t n) {
    *(size_t *)user += n + (n > 0 ? (unsigned char)bytes[n - 1] & 1u : 0);
    return 0;
}

static void fuzz_run(const ft_model *m) {
    static const char text[] = "hello </s> \xF0\x9F\xA6\x99";
    ft_error err;
    int32_t tokens[64];
    size_t n = 0, seen = 0;
    ft_model_info info = ft_model_get_info(m);
    ft_session_desc desc = {1, 16, FT_KV_F16, 8, 1, 0, false};
    if (info.can_tokenize)
        ft_tokenize(m, text, sizeof text - 1, FT_TOKENIZE_PARSE_SPECIAL, tokens, 64, &n, &err);
    if (n > 8) n = 8;
    if (info.n_layers > 8 || n == 0) return;
    ft_session *s = ft_session_create(m, &desc, &err);
    if (s) ft_session_write_logits(s, 0, tokens, (int)n, fuzz_swallow, &seen, &err);
    ft_session_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ft_error err;
    ft_model_desc desc = {{NULL, NULL, NULL, NULL}, (size & 1) != 0, (size & 2) != 0, 1, NULL, NULL};
    size_t seen = 0;
    char path[128];
    fuzz_path("x.gguf", path);
    fuzz_write(path, data, size);
    ft_model *m = ft_model_load(path, &desc, &err);
    fuzz_expect(m || (err.code != FT_OK && err.message[0]), "a refusal says why");
    if (m && !desc.vocab_only) fuzz_run(m);
    ft_adapter *a = m && !desc.vocab_only ? ft_adapter_load(m, path, &err) : NULL;
    ft_adapter_free(a);
    ft_model_free(m);
    if (size % 8 == 0) ft_info(path, size % 16 == 0, fuzz_swallow, &seen, &err);
    unlink(path);
    return 0;
}
