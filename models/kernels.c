/* The trainer's inner loops.  The Makefile compiles this file once per instruction set, with LANES and NAME
   given; the bits are the same in all: a product of matrices adds up each element of the output on its own,
   inputs ascending, and a sum over a row has 16 partial sums and one tree.  No fused multiply-add
   (-ffp-contract=off), no libm. */
#include "train.h"

#ifndef LANES
#define LANES 4
#define NAME train_kernels_plain
#endif

/* The tile of outputs that stays in registers. */
enum { MR = LANES == 16 ? 12 : 6, NV = 2, NR = NV * LANES };

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef float vec_loose __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
#define LOAD(p) ((vec)(*(const vec_loose *)(p)))
#define STORE(p, v) (*(vec_loose *)(p) = (v))

/* Three rows of the left matrix share a pointer: [p], [p + row], [p + 2 row] are addresses that cost nothing. */
static void tile(int k, const float *a, size_t row, size_t col, const float *b, float *c, size_t ldc, bool add) {
    const vec zero = {0};
    const float *left[MR / 3];
    vec sum[MR][NV];
#pragma GCC unroll 4
    for (int i = 0; i < MR / 3; i++) left[i] = a + (size_t)(3 * i) * row;
#pragma GCC unroll 16
    for (int i = 0; i < MR; i++)
#pragma GCC unroll 2
        for (int j = 0; j < NV; j++) sum[i][j] = add ? LOAD(c + (size_t)i * ldc + j * LANES) : zero;
    for (int p = 0; p < k; p++, b += NR) {
        vec right[NV];
#pragma GCC unroll 2
        for (int j = 0; j < NV; j++) right[j] = LOAD(b + j * LANES);
#pragma GCC unroll 16
        for (int i = 0; i < MR; i++) {
            const vec x = left[i / 3][(size_t)(i % 3) * row] - zero;
#pragma GCC unroll 2
            for (int j = 0; j < NV; j++) sum[i][j] = sum[i][j] + x * right[j];
        }
#pragma GCC unroll 4
        for (int i = 0; i < MR / 3; i++) left[i] += col;
    }
#pragma GCC unroll 16
    for (int i = 0; i < MR; i++)
#pragma GCC unroll 2
        for (int j = 0; j < NV; j++) STORE(c + (size_t)i * ldc + j * LANES, sum[i][j]);
}

static void pack(const float *in, size_t ld, int k, float *out) {
    for (int p = 0; p < k; p++, in += ld, out += MR) memcpy(out, in, MR * sizeof *out);
}

/* ---- rows */

/* Sixteen partial sums; a tree adds them up. */
enum { PARTS = 16 / LANES };

static inline float total(const vec p[PARTS]) {
    float t[16];
    for (int j = 0; j < PARTS; j++) STORE(t + j * LANES, p[j]);
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++) t[i] = t[i] + t[i + half];
    return t[0];
}

static float dot(const float *x, const float *y, int n) {
    vec p[PARTS] = {{0}};
    for (int i = 0; i < n; i += 16)
        for (int j = 0; j < PARTS; j++) p[j] = p[j] + LOAD(x + i + j * LANES) * LOAD(y + i + j * LANES);
    return total(p);
}

static float sum(const float *x, int n) {
    vec p[PARTS] = {{0}};
    for (int i = 0; i < n; i += 16)
        for (int j = 0; j < PARTS; j++) p[j] = p[j] + LOAD(x + i + j * LANES);
    return total(p);
}

static float largest(const float *x, int n) {
    float t[16];
    memcpy(t, x, sizeof t);
    for (int i = 16; i < n; i += 16)
        for (int j = 0; j < 16; j++) t[j] = t[j] > x[i + j] ? t[j] : x[i + j];
    for (int j = 1; j < 16; j++) t[0] = t[0] > t[j] ? t[0] : t[j];
    return t[0];
}

/* As ft__expf, for loops that the compiler makes vectors of. */
static inline float exp_of(float x) {
    const float all = x >= -87.0f ? 1.0f : 0.0f;
    x = x < 88.0f ? x : 88.0f;
    x = x > -87.0f ? x : -87.0f;
    const float shifted = x * 1.44269504f + 12582912.0f, n = shifted - 12582912.0f;
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
    uint32_t bits;
    float power;
    memcpy(&bits, &shifted, 4);
    bits = (bits - 0x4B400000u + 127u) << 23;
    memcpy(&power, &bits, 4);
    return all * (p * power);
}

static inline float sigmoid(float x) {
    float negative = 0.0f - x;
    negative = negative < 80.0f ? negative : 80.0f;
    return 1.0f / (1.0f + exp_of(negative));
}

static float norm(const float *x, const float *w, float eps, int n, float *out) {
    const float inverse = 1.0f / __builtin_sqrtf(dot(x, x, n) / (float)n + eps);
    for (int i = 0; i < n; i++) out[i] = x[i] * inverse * w[i];
    return inverse;
}

/* With u = x / rms:  dx = (w dout - u mean(u w dout)) / rms. */
static void norm_back(const float *x, const float *w, float inverse, const float *dout, int n, float *dx) {
    vec p[PARTS] = {{0}};
    for (int i = 0; i < n; i += 16)
        for (int j = 0; j < PARTS; j++) {
            const int at = i + j * LANES;
            p[j] = p[j] + LOAD(x + at) * (LOAD(w + at) * LOAD(dout + at));
        }
    const float share = total(p) * inverse * inverse * inverse / (float)n;
    for (int i = 0; i < n; i++) dx[i] = dx[i] + (w[i] * dout[i] * inverse - x[i] * share);
}

static void norm_weight(const float *x, const float *inverse, const float *dout, size_t ld, int n_tokens, int n,
                        float *dw) {
    for (int t = 0; t < n_tokens; t++, x += ld, dout += ld)
        for (int i = 0; i < n; i++) dw[i] = dw[i] + dout[i] * (x[i] * inverse[t]);
}

static void silu_mul(const float *gate, const float *up, int n, float *out) {
    for (int i = 0; i < n; i++) out[i] = gate[i] * sigmoid(gate[i]) * up[i];
}

static void silu_mul_back(float *gate, float *up, const float *dout, int n) {
    for (int i = 0; i < n; i++) {
        const float g = gate[i], u = up[i], s = sigmoid(g);
        gate[i] = dout[i] * u * (s + g * (s * (1.0f - s)));
        up[i] = dout[i] * (g * s);
    }
}

/* Pairs of neighbours.  "+ b * -s": subtracting may be fused even where contraction is off. */
static void turn(float *x, const float *cs, int n) {
    for (int i = 0; i < n / 2; i++) {
        const float a = x[2 * i], b = x[2 * i + 1], c = cs[2 * i], s = cs[2 * i + 1];
        x[2 * i] = a * c + b * -s;
        x[2 * i + 1] = a * s + b * c;
    }
}

static void add(float *x, const float *y, int n) {
    for (int i = 0; i < n; i++) x[i] = x[i] + y[i];
}

static void softmax(float *s, float scale, int n, int width) {
    for (int i = n; i < width; i++) s[i] = -1e30f;
    const float max = largest(s, width);
    for (int i = 0; i < width; i++) s[i] = exp_of((s[i] - max) * scale);
    const float share = 1.0f / sum(s, width);
    for (int i = 0; i < width; i++) s[i] = s[i] * share;
}

static void softmax_back(const float *p, float *dp, float scale, int n, int width) {
    for (int i = n; i < width; i++) dp[i] = 0;
    const float mean = dot(p, dp, width);
    for (int i = 0; i < width; i++) dp[i] = scale * (p[i] * (dp[i] - mean));
}

static double cross_entropy(float *s, int n, int target, float weight) {
    const float max = largest(s, n), wanted = s[target] - max;
    for (int i = 0; i < n; i++) s[i] = exp_of(s[i] - max);
    const float all = sum(s, n), share = weight / all;
    for (int i = 0; i < n; i++) s[i] = s[i] * share;
    s[target] = s[target] - weight;
    return ft__log((double)all) - (double)wanted;
}

static void adamw(float *x, float *m, float *v, const float *g, size_t n, const train_adamw *c) {
    const float b1 = c->beta1, b2 = c->beta2, a1 = 1.0f - b1, a2 = 1.0f - b2;
    const float clip = c->clip, step = c->step, root = c->root, eps = c->eps, decay = c->decay;
    for (size_t i = 0; i < n; i++) {
        const float slope = g[i] * clip;
        m[i] = b1 * m[i] + a1 * slope;
        v[i] = b2 * v[i] + a2 * (slope * slope);
        x[i] = x[i] - (step * m[i] / (__builtin_sqrtf(v[i]) * root + eps) + decay * x[i]);
    }
}

void NAME(train_kernels *k) {
    const train_kernels all = {MR, NR, tile, pack, norm, norm_back, norm_weight, silu_mul, silu_mul_back, turn, add,
                               dot, softmax, softmax_back, cross_entropy, adamw};
    *k = all;
}
