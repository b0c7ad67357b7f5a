/* ft.h after a system header: with -std=c99 that header has hidden what ft needs, and ft must say
   so; with -std=gnu99 it is fine. */
#include <stdio.h>

#define FT_IMPLEMENTATION
#include "ft.h"
