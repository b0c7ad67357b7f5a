/* One table of kernels per model, filled once: the reference first, then what this machine does faster. */
#include "num.h"

FT__PRIV ft_status ft__kernels_choose(ft__kernels *k, ft_error *err) {
    memset(k, 0, sizeof *k);
    ft_status status = ft__isa_choose(&k->isa, err);
    if (status) return status;
    ft__kernels_scalar(k);
    if (k->isa >= FT__ISA_AVX2) ft__kernels_avx2(k);
    if (k->isa >= FT__ISA_AVX512) ft__kernels_avx512(k);
    return FT_OK;
}
