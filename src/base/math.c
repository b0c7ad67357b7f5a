/* Mathematics without libm: every function is + - * and integer operations in one fixed order (a double
   division where only the processor computes), so that its bits are the same on every machine, compiler
   and instruction set.  The vector kernels repeat the float functions operation by operation.

   Polynomial coefficients: our own weighted least-squares (near minimax) fits; splits of ln 2 and pi/2
   in the manner of Cody and Waite. */
#include "base.h"

FT__PRIV uint32_t ft__bits_of(float f) {
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

FT__PRIV float ft__float_of(uint32_t u) {
    float f;
    memcpy(&f, &u, 4);
    return f;
}

static uint64_t ft__math_bits(double d) {
    uint64_t u;
    memcpy(&u, &d, 8);
    return u;
}

static double ft__math_double(uint64_t u) {
    double d;
    memcpy(&d, &u, 8);
    return d;
}

FT__PRIV bool ft__finite(double x) { return (ft__math_bits(x) >> 52 & 0x7FF) != 0x7FF; }

/* Comparisons are written so that a NaN takes the constant, as the vector minimum does. */
FT__PRIV float ft__expf(float x) {
    bool zero = !(x >= -87.0f);
    x = x < 88.0f ? x : 88.0f;
    x = x > -87.0f ? x : -87.0f;
    float shifted = x * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: the sum rounds to an integer */
    float n = shifted - 12582912.0f;
    float r = x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    float p = 0.0013942160876467824f;
    p = p * r + 0.008363775908946991f;
    p = p * r + 0.041666362434625626f;
    p = p * r + 0.16666573286056519f;
    p = p * r + 0.5f;
    p = p * (r * r);
    p = p + r;
    p = p + 1.0f;
    uint32_t power = (ft__bits_of(shifted) - 0x4B400000u + 127u) << 23;
    return zero ? 0.0f : p * ft__float_of(power);
}

/* Newton from a linear guess in the logarithm (the integer of the bits); three steps reach the last bit
   but one. */
FT__PRIV float ft__recipf(float x) {
    float y = ft__float_of(0x7EF311C3u - ft__bits_of(x));
    y = y * (2.0f - x * y);
    y = y * (2.0f - x * y);
    y = y * (2.0f - x * y);
    return y;
}

FT__PRIV float ft__rsqrtf(float x) {
    float y = ft__float_of(0x5F375A86u - (ft__bits_of(x) >> 1)), half = x * 0.5f;
    y = y * (1.5f - half * (y * y));
    y = y * (1.5f - half * (y * y));
    y = y * (1.5f - half * (y * y));
    return y;
}

FT__PRIV float ft__tanhf(float x) {
    float a = ft__float_of(ft__bits_of(x) & 0x7FFFFFFFu), result;
    if (a < 0.625f) {
        float z = a * a, p = 0.002275871578603983f;
        p = p * z + -0.00832956563681364f;
        p = p * z + 0.021764738485217094f;
        p = p * z + -0.05395878106355667f;
        p = p * z + 0.1333330124616623f;
        p = p * z + -0.3333333432674408f;
        result = a + a * (z * p);
    } else {
        a = a < 20.0f ? a : 20.0f;
        result = 1.0f - 2.0f * ft__recipf(ft__expf(2.0f * a) + 1.0f);
    }
    return ft__float_of(ft__bits_of(result) | (ft__bits_of(x) & 0x80000000u));
}

FT__PRIV double ft__floor(double x) {
    if (!(x > -4503599627370496.0 && x < 4503599627370496.0)) return x; /* 2^52: already whole */
    double whole = (double)(int64_t)x;
    return whole > x ? whole - 1 : whole;
}

/* x * 2^n without overflow on the way; n in -1100..1100. */
static double ft__math_scale(double x, int n) {
    int half = n / 2;
    x *= ft__math_double((uint64_t)(half + 1023) << 52);
    return x * ft__math_double((uint64_t)(n - half + 1023) << 52);
}

static const double ft__math_factorials[15] = { /* 1 / i! */
    1.0, 1.0, 0.5, 0.16666666666666666, 0.041666666666666664, 0.008333333333333333,
    0.001388888888888889, 0.0001984126984126984, 2.48015873015873e-05,
    2.7557319223985893e-06, 2.755731922398589e-07, 2.505210838544172e-08,
    2.08767569878681e-09, 1.6059043836821613e-10, 1.1470745597729725e-11};

FT__PRIV double ft__exp(double x) {
    if (x != x) return x;
    if (x > 709.8) return ft__math_double(0x7FF0000000000000u);
    if (x < -745.2) return 0;
    double n = ft__floor(x * 1.4426950408889634 + 0.5);
    double r = (x - n * 0.6931471805592082) - n * 7.371002565167799e-13;
    /* Taylor, |r| <= 0.35: even and odd powers side by side, so that no step waits for the other; the
       first term left out is below 2^-57. */
    double z = r * r, even = ft__math_factorials[14], odd = ft__math_factorials[13];
    for (int i = 12; i >= 2; i -= 2) {
        even = even * z + ft__math_factorials[i];
        odd = odd * z + ft__math_factorials[i - 1];
    }
    even = even * z;
    return ft__math_scale(1 + (r * odd + even), (int)n);
}

/* log m = 2 artanh((m-1)/(m+1)) with m in [sqrt(1/2), sqrt 2). */
FT__PRIV double ft__log(double x) {
    int exponent = 0;
    if (!(x > 0)) return ft__math_double(x == 0 ? 0xFFF0000000000000u : 0x7FF8000000000000u);
    if (!ft__finite(x)) return x;
    if (x < 2.2250738585072014e-308) x *= 18014398509481984.0, exponent = -54;
    uint64_t bits = ft__math_bits(x);
    exponent += (int)(bits >> 52) - 1023;
    double m = ft__math_double((bits & 0xFFFFFFFFFFFFFu) | 0x3FF0000000000000u);
    if (m > 1.4142135623730951) m *= 0.5, exponent++;
    double s = (m - 1) / (m + 1), z = s * s, sum = 0;
    for (int i = 23; i >= 1; i -= 2) sum = sum * z + 1.0 / i;
    double n = exponent;
    return n * 0.6931471805592082 + (2 * s * sum + n * 7.371002565167799e-13);
}

/* The first two parts of pi/2 have at most 23 bits, so that their products with n < 2^30 are exact. */
FT__PRIV void ft__sincos(double x, double *sin_x, double *cos_x) {
    double n = ft__floor(x * 0.6366197723675814 + 0.5);
    double r = ((x - n * 1.570796251296997) - n * 7.549789415861596e-08) - n * 5.390302858158119e-15;
    double z = r * r, s = 1, c = 1;
    for (int i = 18; i >= 2; i -= 2) {
        s = 1 - s * z / (i * (i + 1)); /* r - r^3/3! + ..., from the small end */
        c = 1 - c * z / (i * (i - 1));
    }
    s *= r;
    switch ((int64_t)n & 3) {
    case 0: *sin_x = s, *cos_x = c; break;
    case 1: *sin_x = c, *cos_x = -s; break;
    case 2: *sin_x = -s, *cos_x = -c; break;
    default: *sin_x = -c, *cos_x = s; break;
    }
}

FT__PRIV double ft__pow(double base, double exponent) { return ft__exp(exponent * ft__log(base)); }

/* Heron's steps from half the exponent: each doubles the digits, the sixth stands. */
FT__PRIV double ft__sqrt(double x) {
    if (!(x > 0) || !ft__finite(x)) return x == 0 || x > 0 ? x : ft__math_double(0x7FF8000000000000u);
    if (x < 2.2250738585072014e-308) return ft__sqrt(x * 18014398509481984.0) * (1.0 / 134217728);
    double y = ft__math_double((ft__math_bits(x) >> 1) + 0x1FF8000000000000u);
    for (int i = 0; i < 6; i++) y = 0.5 * (y + x / y);
    return y;
}

/* Half precision: 1 sign, 5 exponent, 10 mantissa bits. */
FT__PRIV float ft__f16_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7FFF;
    if (rest >= 0x7C00) return ft__float_of(sign | 0x7F800000u | (rest & 0x3FF) << 13);
    if (rest >= 0x0400) return ft__float_of(sign | ((rest << 13) + (112u << 23)));
    float f = (float)rest * (1.0f / 16777216.0f); /* subnormal: a multiple of 2^-24 */
    return ft__float_of(sign | ft__bits_of(f));
}

FT__PRIV uint16_t ft__f32_to_f16(float f) {
    uint32_t u = ft__bits_of(f), sign = u >> 16 & 0x8000, a = u & 0x7FFFFFFF;
    if (a > 0x7F800000) return (uint16_t)(sign | 0x7E00 | (a >> 13 & 0x3FF)); /* NaN stays one */
    if (a >= 0x477FF000) return (uint16_t)(sign | 0x7C00);                    /* 65520 and up */
    if (a >= 0x38800000) { /* normal: round the 13 bits that go, half to even */
        uint32_t rounded = a + 0xFFF + (a >> 13 & 1);
        return (uint16_t)(sign | ((rounded - (112u << 23)) >> 13));
    }
    float scaled = ft__float_of(a) * 16777216.0f + 8388608.0f; /* the sum rounds to an integer */
    return (uint16_t)(sign | (ft__bits_of(scaled) - 0x4B000000u));
}

FT__PRIV float ft__bf16_to_f32(uint16_t h) { return ft__float_of((uint32_t)h << 16); }

FT__PRIV uint16_t ft__f32_to_bf16(float f) {
    uint32_t u = ft__bits_of(f);
    if ((u & 0x7FFFFFFF) > 0x7F800000) return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7FFF + (u >> 16 & 1)) >> 16);
}
