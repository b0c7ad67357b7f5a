/* The processor: which path is chosen, and that a changed float mode is noticed. */
#include "test.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* FT_ISA may be set by whoever runs the tests: it is put back. */
static ft_status choose(const char *forced, ft__isa *isa, ft_error *err) {
    const char *before = getenv("FT_ISA");
    char kept[64];
    snprintf(kept, sizeof kept, "%s", before ? before : "");
    if (forced) setenv("FT_ISA", forced, 1);
    else unsetenv("FT_ISA");
    ft_status status = ft__isa_choose(isa, err);
    if (before) setenv("FT_ISA", kept, 1);
    else unsetenv("FT_ISA");
    return status;
}

TEST(cpu, isa_by_name) {
    ft__isa best, isa;
    ft_error err;
    CHECK_OK(choose(NULL, &best, &err), err);
    CHECK_OK(choose("", &isa, &err), err); /* set but empty is not set */
    CHECK_INT(isa, best);
    CHECK_OK(choose("scalar", &isa, &err), err);
    CHECK_INT(isa, FT__ISA_SCALAR);
    CHECK_OK(choose(ft__isa_name(best), &isa, &err), err);
    CHECK_INT(isa, best);
    for (int i = 0; i < FT__ISA_COUNT; i++) {
        ft_status status = choose(ft__isa_name((ft__isa)i), &isa, &err);
        if (status == FT_OK) CHECK_INT(isa, i);
        else CHECK_ERROR(status, FT_ERR_UNSUPPORTED, err, ft__isa_name((ft__isa)i));
        CHECK(i > (int)best ? status != FT_OK : true); /* the best is the last one there is */
    }
}

TEST(cpu, an_unknown_isa_is_an_error) {
    static const char *const names[] = {"avx", "AVX2", "avx2 ", "avx1024", "sca", "scalar,avx2"};
    ft__isa isa;
    ft_error err;
    for (size_t i = 0; i < FT__COUNT(names); i++) {
        CHECK_ERROR(choose(names[i], &isa, &err), FT_ERR_ARGUMENT, err, names[i]);
        CHECK(strstr(err.message, "scalar") && strstr(err.message, "avx2"));
        CHECK_TEXT(err.where, "FT_ISA");
    }
    CHECK_INT(choose("nothing", &isa, NULL), FT_ERR_ARGUMENT);
}

TEST(cpu, isa_names_are_distinct) {
    for (int i = 0; i < FT__ISA_COUNT; i++)
        for (int j = 0; j < i; j++)
            CHECK(strcmp(ft__isa_name((ft__isa)i), ft__isa_name((ft__isa)j)) != 0);
}

TEST(cpu, count) {
    int n = ft__cpu_count();
    CHECK(n >= 1 && n <= 256);
}

TEST(cpu, float_mode_is_as_ieee_has_it) {
    ft_error err;
    CHECK_OK(ft__check_float_mode(&err), err);
    CHECK_OK(ft__check_float_mode(NULL), err);
}

TEST(cpu, a_changed_float_mode_is_noticed) {
#if defined(__x86_64__)
    static const struct {
        unsigned bits;
        const char *needle;
    } rows[] = {
        {0x2000, "rounding mode"}, /* down */
        {0x4000, "rounding mode"}, /* up */
        {0x6000, "rounding mode"}, /* towards zero */
        {0x8000, "subnormal"},     /* flush to zero */
        {0x0040, "subnormal"},     /* denormals are zero */
        {0x8040, "subnormal"},
        {0xE040, "rounding mode"},
    };
    unsigned before = _mm_getcsr();
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        ft_error err;
        _mm_setcsr(before | rows[i].bits);
        ft_status status = ft__check_float_mode(&err);
        _mm_setcsr(before);
        CHECK_ERROR(status, FT_ERR_FLOAT_MODE, err, rows[i].needle);
        CHECK_OK(ft__check_float_mode(&err), err);
    }
    CHECK_INT(_mm_getcsr() & 0xFFC0, before & 0xFFC0);
#else
    SKIP("knows the control word of x86-64 only");
#endif
}
