#include "blocks.h"

/* Where a block of a format has its F16 scales. */
static const struct { uint32_t type; int at[2]; } halves[] = {
    {1, {0, -1}},  {2, {0, -1}},    {3, {0, 2}},    {6, {0, -1}},  {7, {0, 2}},   {8, {0, -1}},  {10, {80, 82}},
    {11, {108, -1}}, {12, {0, 2}},  {13, {0, 2}},   {14, {208, -1}}, {16, {0, -1}}, {17, {0, -1}}, {18, {0, -1}},
    {19, {0, -1}}, {20, {0, -1}},   {21, {0, -1}},  {22, {0, -1}}, {23, {0, -1}}, {34, {52, -1}}, {35, {64, -1}},
    {41, {0, -1}}, {42, {0, -1}}};

void blocks_set_scale(uint32_t type, uint8_t *block, float scale) {
    const uint16_t half = ft__f32_to_f16(scale), brain = ft__f32_to_bf16(scale);
    for (size_t i = 0; i < FT__COUNT(halves); i++)
        for (int k = 0; k < 2; k++)
            if (halves[i].type == type && halves[i].at[k] >= 0) memcpy(block + halves[i].at[k], &half, 2);
    if (type == FT__FORMAT_F32) memcpy(block, &scale, 4);
    if (type == FT__FORMAT_BF16) memcpy(block, &brain, 2);
    if (type == 39) block[0] = (uint8_t)(ft__bits_of(scale) >> 23 & 255);
    for (int i = 0; i < 4 && type == 29; i++) /* IQ1_M: a nibble on top of each word */
        block[49 + 2 * i] = (uint8_t)((block[49 + 2 * i] & 15) | (half >> (4 * i) & 15) << 4);
}

uint8_t *blocks_random(uint32_t type, size_t n, float scale, uint32_t seed) {
    const ft__format *format = ft__format_find(type);
    uint8_t *blocks = (uint8_t *)malloc(n / format->n_elements * format->n_bytes);
    uint32_t x = seed;
    for (size_t b = 0; b < n / format->n_elements; b++) {
        uint8_t *block = blocks + b * format->n_bytes;
        for (size_t i = 0; i < format->n_bytes; i++) {
            x = x * 1664525u + 1013904223u;
            block[i] = (uint8_t)(x >> 24);
        }
        const float number = (float)(int32_t)(x >> 20) * 0.03f - 60; /* -60 .. 63, where a block is one number */
        blocks_set_scale(type, block, format->n_elements == 1 ? scale * number : scale);
    }
    return blocks;
}
