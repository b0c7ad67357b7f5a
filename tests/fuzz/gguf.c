/* GGUF: the bytes as a file, for each call that reads one; a model that loads also runs. */
#include "fuzz.h"

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
