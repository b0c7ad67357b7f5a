/* Random numbers: the known answers of the Random123 distribution, and what draws depend on. */
#include "test.h"

TEST(random, philox_known_answers) {
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } rows[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        uint32_t out[4];
        ft__philox(rows[i].counter, rows[i].key, out);
        for (int k = 0; k < 4; k++) CHECK_INT(out[k], rows[i].out[k]);
    }
}

TEST(random, philox_works_in_place) {
    uint32_t state[4] = {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344};
    uint32_t key[2] = {0xa4093822, 0x299f31d0};
    ft__philox(state, key, state);
    CHECK_INT(state[0], 0xd16cfe09u);
    CHECK_INT(state[3], 0x24126ea1u);
}

/* The draw is the first 53 bits of Philox(position, 0, seed; key = fold(row, variant)). */
TEST(random, unit_is_built_as_documented) {
    uint64_t seed = 0x0123456789ABCDEFu, row = 0xFEDCBA9876543210u, variant = 0x00000003DEADBEEFu;
    uint32_t names[4] = {0x76543210u, 0xFEDCBA98u, 0xDEADBEEFu, 3}, zero[2] = {0, 0}, key[4];
    uint32_t counter[4] = {41, 0, 0x89ABCDEFu, 0x01234567u}, out[4];
    ft__philox(names, zero, key);
    ft__philox(counter, key, out);
    double expected = (out[0] * 2097152.0 + (out[1] >> 11)) / 9007199254740992.0;
    CHECK(ft__random_unit(seed, row, variant, 41) == expected);
}

/* Four argument axes, 20 000 draws each: mean, 16 bins, and pairs of neighbours. */
TEST(random, unit_is_in_range_and_roughly_uniform) {
    enum { N = 20000 };
    for (int axis = 0; axis < 4; axis++) {
        int bins[16] = {0}, pairs[4] = {0};
        double sum = 0, previous = 0.25;
        bool in_range = true;
        for (uint32_t i = 0; i < N; i++) {
            double u = ft__random_unit(axis == 0 ? i : 1, axis == 1 ? i : 2, axis == 2 ? i : 3,
                                       axis == 3 ? i : 4);
            in_range = in_range && u >= 0 && u < 1;
            if (!in_range) break;
            sum += u;
            bins[(int)(u * 16)]++;
            pairs[(u >= 0.5) * 2 + (previous >= 0.5)]++;
            previous = u;
        }
        CHECK(in_range);
        CHECK_NEAR(sum / N, 0.5, 0.0102); /* five standard deviations: 5 sqrt(1/12 / N) */
        double chi = 0;
        for (int k = 0; k < 16; k++) {
            double off = bins[k] - N / 16.0;
            chi += off * off / (N / 16.0);
        }
        CHECK(chi < 45 && chi > 2); /* 15 degrees of freedom: p about 1e-4 on either side */
        for (int k = 0; k < 4; k++) CHECK_NEAR(pairs[k], N / 4.0, 310);
    }
}

/* Every bit of every argument matters, also those above the 32nd. */
TEST(random, unit_depends_on_each_bit_of_each_argument) {
    double base = ft__random_unit(1, 2, 3, 4);
    CHECK(ft__random_unit(1, 2, 3, 4) == base);
    for (int bit = 0; bit < 64; bit++) {
        uint64_t flip = (uint64_t)1 << bit;
        bool differs = ft__random_unit(1 ^ flip, 2, 3, 4) != base &&
                       ft__random_unit(1, 2 ^ flip, 3, 4) != base &&
                       ft__random_unit(1, 2, 3 ^ flip, 4) != base &&
                       (bit >= 32 || ft__random_unit(1, 2, 3, 4 ^ (uint32_t)flip) != base);
        if (!CHECK(differs)) test_note("bit %d", bit);
    }
    CHECK(ft__random_unit(2, 1, 3, 4) != base); /* the arguments are not interchangeable */
    CHECK(ft__random_unit(1, 3, 2, 4) != base);
    CHECK(ft__random_unit(1, 2, 4, 3) != base);
}
