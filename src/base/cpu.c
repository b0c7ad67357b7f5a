/* What this machine can do, and whether the program left its floating point as IEEE 754 has it. */
#include "base.h"

#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

FT__PRIV const char *ft__isa_name(ft__isa isa) {
    static const char *const names[FT__ISA_COUNT] = {"scalar", "avx2", "avx512", "neon", "dotprod"};
    return names[isa];
}

#if defined(__aarch64__)
static bool ft__isa_has_dotprod(void) {
#if defined(__linux__)
    return getauxval(AT_HWCAP) >> 20 & 1; /* HWCAP_ASIMDDP, which old headers lack */
#elif defined(__APPLE__)
    int has = 0;
    size_t size = sizeof has;
    return sysctlbyname("hw.optional.arm.FEAT_DotProd", &has, &size, NULL, 0) == 0 && has;
#else
    return false;
#endif
}
#endif

static bool ft__isa_present(ft__isa isa) {
#if defined(__x86_64__) || defined(__i386__)
    unsigned a, b, c, d;
    bool f16c = __get_cpuid(1, &a, &b, &c, &d) && (c >> 29 & 1);
    bool avx2 = __builtin_cpu_supports("avx2") && f16c; /* asks the system too */
    if (isa == FT__ISA_AVX2) return avx2;
    if (isa == FT__ISA_AVX512)
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vnni") && sizeof(void *) == 8;
#elif defined(__aarch64__)
    if (isa == FT__ISA_NEON) return true; /* a part of the base */
    if (isa == FT__ISA_DOTPROD) return ft__isa_has_dotprod();
#endif
    return isa == FT__ISA_SCALAR;
}

FT__PRIV ft_status ft__isa_choose(ft__isa *isa, ft_error *err) {
    const char *forced = getenv("FT_ISA");
    for (int i = FT__ISA_COUNT - 1; i >= 0; i--) {
        *isa = (ft__isa)i;
        if (forced && forced[0] && strcmp(forced, ft__isa_name(*isa)) != 0) continue;
        if (ft__isa_present(*isa)) return FT_OK;
        if (forced && forced[0])
            return ft__fail(err, FT_ERR_UNSUPPORTED, "FT_ISA", "this machine has no %s", forced);
    }
    return ft__fail(err, FT_ERR_ARGUMENT, "FT_ISA",
                    "found \"%s\", expected scalar, avx2, avx512, neon or dotprod", forced);
}

FT__PRIV int ft__cpu_count(void) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > 256 ? 256 : (int)n;
}

FT__PRIV ft_status ft__check_float_mode(ft_error *err) {
    volatile float one = 1.0f, a = 1.0f + 1.0f / 4096, tiny = FLT_MIN;
    volatile float half_ulp = 1.0f / 16777216, above_half = 1.5f / 16777216;
    float product_sum = a * a - (1.0f + 1.0f / 2048); /* 0 unless fused: 2^-24 */
    if (one + half_ulp != 1.0f || one + above_half == 1.0f)
        return ft__fail(err, FT_ERR_FLOAT_MODE, NULL, "the program changed the rounding mode");
    if (product_sum != 0)
        return ft__fail(err, FT_ERR_FLOAT_MODE, NULL,
                        "the compiler fuses products and sums: compile with -ffp-contract=off");
    volatile float subnormal = tiny * 0.5f;
    if (subnormal == 0 || subnormal * 4.0f != tiny * 2.0f)
        return ft__fail(err, FT_ERR_FLOAT_MODE, NULL, "the program flushes subnormal numbers to zero");
    return FT_OK;
}
