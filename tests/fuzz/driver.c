/* driver [-n N] [-s SEED] FILE... - runs the target it is linked with, without libFuzzer: first
   over the files as they are, then over N mutations of them. */
#include "fuzz.h"
#include "mutate.h"

int main(int argc, char **argv) {
    static fuzz_seed seeds[1024];
    static uint8_t data[FUZZ_MAX];
    size_t n_seeds = 0;
    uint64_t n = 0, seed = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-n") == 0 && i + 1 < argc) {
            n = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "-s") == 0 && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 10);
        } else if (n_seeds < FT__COUNT(seeds)) {
            size_t size;
            char *text = ft_read_file(argv[i], &size, NULL);
            fuzz_expect(text != NULL, argv[i]);
            LLVMFuzzerTestOneInput((const uint8_t *)text, size);
            seeds[n_seeds].data = text;
            seeds[n_seeds++].n = size;
        }
    }
    for (uint64_t i = 0; i < n && n_seeds > 0; i++)
        LLVMFuzzerTestOneInput(data, fuzz_mutate(data, seeds, n_seeds, seed, i));
    for (size_t i = 0; i < n_seeds; i++) free((void *)(uintptr_t)seeds[i].data);
    printf("%zu files, %llu mutations\n", n_seeds, (unsigned long long)(n_seeds ? n : 0));
    return 0;
}
