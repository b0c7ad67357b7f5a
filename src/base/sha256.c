/* SHA-256 as FIPS 180-4 defines it. */
#include "base.h"

static const uint32_t ft__sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t ft__sha256_turn(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void ft__sha256_block(uint32_t s[8], const uint8_t *p) {
    uint32_t w[64], a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
    for (int i = 0; i < 16; i++, p += 4)
        w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    for (int i = 16; i < 64; i++) {
        uint32_t x = w[i - 15], y = w[i - 2];
        w[i] = w[i - 16] + (ft__sha256_turn(x, 7) ^ ft__sha256_turn(x, 18) ^ x >> 3) + w[i - 7] +
               (ft__sha256_turn(y, 17) ^ ft__sha256_turn(y, 19) ^ y >> 10);
    }
    for (int i = 0; i < 64; i++) {
        uint32_t s1 = ft__sha256_turn(e, 6) ^ ft__sha256_turn(e, 11) ^ ft__sha256_turn(e, 25);
        uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + ft__sha256_k[i] + w[i];
        uint32_t s0 = ft__sha256_turn(a, 2) ^ ft__sha256_turn(a, 13) ^ ft__sha256_turn(a, 22);
        uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    s[0] += a, s[1] += b, s[2] += c, s[3] += d, s[4] += e, s[5] += f, s[6] += g, s[7] += h;
}

FT__PRIV void ft__sha256_init(ft__sha256 *h) {
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(h->state, start, sizeof start);
    h->n_bytes = 0;
}

FT__PRIV void ft__sha256_add(ft__sha256 *h, const void *bytes, size_t n) {
    const uint8_t *p = (const uint8_t *)bytes;
    size_t held = (size_t)(h->n_bytes % 64);
    h->n_bytes += n;
    if (held && n) {
        size_t take = 64 - held < n ? 64 - held : n;
        memcpy(h->block + held, p, take);
        p += take, n -= take, held += take;
        if (held == 64) ft__sha256_block(h->state, h->block);
    }
    for (; n >= 64; p += 64, n -= 64) ft__sha256_block(h->state, p);
    if (n) memcpy(h->block, p, n);
}

FT__PRIV void ft__sha256_end(ft__sha256 *h, uint8_t digest[32]) {
    uint64_t n_bits = h->n_bytes * 8;
    uint8_t tail[72] = {0x80};
    size_t n = 64 - (size_t)((h->n_bytes + 8) % 64); /* at least one byte, up to the length field */
    for (size_t i = 0; i < 8; i++) tail[n + i] = (uint8_t)(n_bits >> (56 - 8 * i));
    ft__sha256_add(h, tail, n + 8);
    for (int i = 0; i < 32; i++) digest[i] = (uint8_t)(h->state[i / 4] >> (24 - 8 * (i % 4)));
}

FT__PRIV void ft__hex(const uint8_t *bytes, size_t n, char *hex) {
    for (size_t i = 0; i < n; i++) {
        hex[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    hex[2 * n] = 0;
}

FT__PRIV void ft__sha256_hex(const void *bytes, size_t n, char hex[65]) {
    ft__sha256 h;
    uint8_t digest[32];
    ft__sha256_init(&h);
    ft__sha256_add(&h, bytes, n);
    ft__sha256_end(&h, digest);
    ft__hex(digest, 32, hex);
}
