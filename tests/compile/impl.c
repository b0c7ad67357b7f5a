/* One of two units: the implementation and nothing else.  Compiled as C and as C++. */
#define FT_IMPLEMENTATION
#include "ft.h"
