/* Mutations without libFuzzer: input i depends on the seed texts, the random seed and i alone. */
#ifndef FT_FUZZ_MUTATE_H
#define FT_FUZZ_MUTATE_H

#include <stdint.h>
#include <string.h>

enum { FUZZ_MAX = 1 << 17 };

typedef struct fuzz_seed {
    const void *data;
    size_t n;
} fuzz_seed;

static uint64_t fuzz_random(uint64_t *state) { /* splitmix64 */
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static size_t fuzz_below(uint64_t *state, size_t n) {
    return n ? (size_t)(fuzz_random(state) % n) : 0;
}

/* Numbers at the edges of what sizes and counts may be. */
static uint64_t fuzz_number(uint64_t *state) {
    uint64_t r = fuzz_random(state), bit = (uint64_t)1 << (r >> 8) % 64;
    return (r & 3) == 0 ? bit : (r & 3) == 1 ? bit - 1 : (r & 3) == 2 ? ~bit : r >> 56;
}

/* Replaces `cut` bytes at `at` by n others; what does not fit is dropped. */
static void fuzz_splice(uint8_t *data, size_t *size, size_t at, size_t cut, const void *bytes,
                        size_t n) {
    if (cut > *size - at) cut = *size - at;
    if (n > FUZZ_MAX - (*size - cut)) return;
    memmove(data + at + n, data + at + cut, *size - at - cut);
    if (n) memcpy(data + at, bytes, n);
    *size = *size - cut + n;
}

static void fuzz_change(uint8_t *data, size_t *size, const fuzz_seed *other, uint64_t *state) {
    static const char signs[] = "\"\\{}[]:,0123456789-+.eE()*?|^$ \n\tu\xFF\xC3\xED\xF4\x80";
    uint8_t copy[64];
    uint64_t number = fuzz_number(state);
    /* heads of files matter more than their bulk */
    size_t at = fuzz_below(state, (fuzz_random(state) & 1) || *size < 1024 ? *size + 1 : 1024);
    size_t n = 1 + fuzz_below(state, sizeof copy - 1), width = (size_t)1 << fuzz_below(state, 4);
    size_t from = fuzz_below(state, *size + 1);
    switch (fuzz_below(state, 8)) {
    case 0:
        if (at < *size) data[at] ^= (uint8_t)(1u << (number & 7));
        break;
    case 1: fuzz_splice(data, size, at, 1, &number, 1); break;
    case 2: fuzz_splice(data, size, at, width, &number, width); break;
    case 3: fuzz_splice(data, size, at, number & 1, &signs[number % (sizeof signs - 1)], 1); break;
    case 4: fuzz_splice(data, size, at, n, NULL, 0); break;
    case 5: /* a piece of itself */
        if (n > *size - from) n = *size - from;
        memcpy(copy, data + from, n);
        fuzz_splice(data, size, at, number & 1 ? n : 0, copy, n);
        break;
    case 6: /* a piece of another seed */
        from = fuzz_below(state, other->n);
        if (n > other->n - from) n = other->n - from;
        fuzz_splice(data, size, at, number & 1 ? n : 0, (const uint8_t *)other->data + from, n);
        break;
    default:
        if (number & 1) *size = at;
        break; /* the end is missing */
    }
}

static size_t fuzz_mutate(uint8_t data[FUZZ_MAX], const fuzz_seed *seeds, size_t n_seeds,
                          uint64_t seed, uint64_t i) {
    uint64_t state = seed ^ i * 0xD1B54A32D192ED03u;
    const fuzz_seed *first = &seeds[fuzz_below(&state, n_seeds)];
    size_t size = first->n < FUZZ_MAX ? first->n : FUZZ_MAX;
    if (size) memcpy(data, first->data, size);
    for (size_t k = 1 + fuzz_below(&state, 5); k > 0; k--)
        fuzz_change(data, &size, &seeds[fuzz_below(&state, n_seeds)], &state);
    return size;
}

#endif
