/* Random numbers without a state: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers, as
   easy as 1, 2, 3; SC 2011).  A draw depends on its key and counter alone, so a row's sample does not
   depend on its neighbours. */
#include "base.h"

FT__PRIV void ft__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c0 = n0, c1 = (uint32_t)p1, c2 = n2, c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

/* The seed and the position are the counter, row and variant (folded to 64 bits by another Philox
   block) the key. */
FT__PRIV double ft__random_unit(uint64_t seed, uint64_t row, uint64_t variant, uint32_t position) {
    uint32_t names[4] = {(uint32_t)row, (uint32_t)(row >> 32), (uint32_t)variant,
                         (uint32_t)(variant >> 32)};
    uint32_t zero[2] = {0, 0}, folded[4], out[4];
    ft__philox(names, zero, folded);
    uint32_t counter[4] = {position, 0, (uint32_t)seed, (uint32_t)(seed >> 32)};
    ft__philox(counter, folded, out);
    uint64_t bits = ((uint64_t)out[0] << 32 | out[1]) >> 11;
    return (double)bits * (1.0 / 9007199254740992.0);
}
