/* One table of kernels per model, filled once: the reference first, then what this machine does faster. */
#include "num.h"

/* What fills the table of an instruction set, in this order. */
static const struct {
    ft__isa isa;
    void (*fill)(ft__kernels *k);
} ft__kernels_fill[] = {
    {FT__ISA_AVX2, ft__kernels_avx2},
    {FT__ISA_AVX512, ft__kernels_avx2}, {FT__ISA_AVX512, ft__kernels_avx512},
    {FT__ISA_NEON, ft__kernels_neon},
    {FT__ISA_DOTPROD, ft__kernels_neon}, {FT__ISA_DOTPROD, ft__kernels_dotprod},
};

FT__PRIV void ft__kernels_wide(ft__kernels *k, ft__packed_fn *const wide[4]) {
    for (uint32_t id = 0; id < FT__FORMATS; id++) {
        const ft__format *format = ft__format_find(id);
        if (format && format->layout >= FT__WIDE) k->packed[id] = wide[format->layout - FT__WIDE];
    }
}

FT__PRIV ft_status ft__kernels_choose(ft__kernels *k, ft_error *err) {
    memset(k, 0, sizeof *k);
    ft_status status = ft__isa_choose(&k->isa, err);
    if (status) return status;
    ft__kernels_scalar(k);
    for (size_t i = 0; i < FT__COUNT(ft__kernels_fill); i++)
        if (ft__kernels_fill[i].isa == k->isa) ft__kernels_fill[i].fill(k);
    return FT_OK;
}
