/* The job: its file, its rows and one --set, parted by a byte 0xFF, which no JSON text holds. */
#include "fuzz.h"

static size_t fuzz_part(const uint8_t **at, const uint8_t *end, const uint8_t **part) {
    const uint8_t *cut = (const uint8_t *)memchr(*at, 0xFF, (size_t)(end - *at));
    size_t n = (size_t)((cut ? cut : end) - *at);
    *part = *at;
    *at = cut ? cut + 1 : end;
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = data + size, *part;
    char job_path[128], rows_path[128], set[256];
    const char *sets[1];
    ft_job_desc desc;
    ft_error err;
    if (size == 0) return 0;
    size_t n = fuzz_part(&data, end, &part);
    fuzz_write(fuzz_path("job.json", job_path), part, n);
    n = fuzz_part(&data, end, &part);
    fuzz_write(fuzz_path("rows.jsonl", rows_path), part, n);
    n = fuzz_part(&data, end, &part);
    snprintf(set, sizeof set, "%.*s", (int)(n < 255 ? n : 255), (const char *)part);
    sets[0] = set;
    memset(&desc, 0, sizeof desc);
    desc.sets = sets;
    desc.n_sets = n > 0;
    ft_job *job = ft_job_load(job_path, &desc, &err);
    fuzz_expect(job || (err.code != FT_OK && err.message[0]), "a refusal says why");
    ft_job_free(job);
    unlink(job_path);
    unlink(rows_path);
    return 0;
}
