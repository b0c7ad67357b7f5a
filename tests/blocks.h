/* Blocks of random bits in any format: every code, grid entry and sign, with scales that are kept sane. */
#ifndef FT_BLOCKS_H
#define FT_BLOCKS_H

#include "../src/num/num.h"

/* Makes all scales of a block about this (a power of two near it, where that is all there is); NVFP4's are
   sane as they are. */
void blocks_set_scale(uint32_t type, uint8_t *block, float scale);
/* n elements of a format, all with scales of that size; free() them. */
uint8_t *blocks_random(uint32_t type, size_t n, float scale, uint32_t seed);

#endif
