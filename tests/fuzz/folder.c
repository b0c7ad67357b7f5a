/* Hugging Face folders: config.json, tokenizer.json, tokenizer_config.json and model.safetensors, with a byte FF
   between them (JSON has none); a model that loads also runs. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"config.json", "tokenizer.json", "tokenizer_config.json",
                                        "model.safetensors"};
    ft_error err;
    ft_model_desc desc = {{NULL, NULL, NULL, NULL}, (size & 1) != 0, (size & 2) != 0, 1, NULL, NULL};
    const uint8_t *at = data, *end = data + size;
    char folder[128], path[160];
    fuzz_path("x", folder);
    mkdir(folder, 0700);
    for (size_t i = 0; i < 4; i++) {
        const uint8_t *cut = i < 3 && at < end ? (const uint8_t *)memchr(at, 0xFF, (size_t)(end - at)) : NULL;
        const uint8_t *to = cut ? cut : end;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (to > at) fuzz_write(path, at, (size_t)(to - at)); /* a file of no bytes is not there */
        at = cut ? cut + 1 : end;
    }
    ft_model *m = ft_model_load(folder, &desc, &err);
    fuzz_expect(m || (err.code != FT_OK && err.message[0]), "a refusal says why");
    if (m && !desc.vocab_only) fuzz_run(m);
    ft_model_free(m);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
    return 0;
}
