/* What the fuzz targets share.  A target is one file with one function, LLVMFuzzerTestOneInput, so
   libFuzzer takes it as it is; driver.c and tests/test_fuzz.c feed it mutated seeds without
   libFuzzer. A target aborts where a promise is broken. */
#ifndef FT_FUZZ_H
#define FT_FUZZ_H

#include "../../src/release/release.h"

#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_expect(bool ok, const char *promise) {
    if (ok) return;
    fprintf(stderr, "fuzz: broken: %s\n", promise);
    abort();
}

/* A path in a folder of this process's own, which goes when the process ends well. */
static char fuzz_folder[64];
static pid_t fuzz_owner;

static inline void fuzz_clean(void) {
    if (fuzz_owner == getpid()) rmdir(fuzz_folder);
}

static inline const char *fuzz_path(const char *name, char out[128]) {
    if (fuzz_owner != getpid()) {
        snprintf(fuzz_folder, sizeof fuzz_folder, "/tmp/ft-fuzz-XXXXXX");
        fuzz_expect(mkdtemp(fuzz_folder) != NULL, "a folder in /tmp can be made");
        fuzz_owner = getpid();
        atexit(fuzz_clean);
    }
    snprintf(out, 128, "%s/%s", fuzz_folder, name);
    return out;
}

static inline void fuzz_write(const char *path, const void *data, size_t size) {
    FILE *f = fopen(path, "wb");
    fuzz_expect(f && fwrite(data, 1, size, f) == size && fclose(f) == 0, "a file can be written");
}

static inline int fuzz_swallow(void *user, const char *bytes, size_t n) {
    *(size_t *)user += n + (n > 0 ? (unsigned char)bytes[n - 1] & 1u : 0);
    return 0;
}

/* A few tokens through a model that has loaded. */
static inline void fuzz_run(const ft_model *m) {
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

#endif
