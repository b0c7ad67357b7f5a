/* What the fuzz targets share.  A target is one file with one function, LLVMFuzzerTestOneInput, so
   libFuzzer takes it as it is; driver.c and tests/test_fuzz.c feed it mutated seeds without
   libFuzzer. A target aborts where a promise is broken. */
#ifndef FT_FUZZ_H
#define FT_FUZZ_H

#include "../../src/release/release.h"

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

#endif
