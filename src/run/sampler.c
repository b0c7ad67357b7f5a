/* Choosing a token.  Greedy is the largest logit, the lowest id on ties.  Otherwise top-k, top-p and min-p
   cut the candidates, ordered by logit and then id, by their probabilities at temperature 1; one of those
   left is drawn at the temperature asked for.  Nothing is sorted: a cut is found bit by bit on the logits'
   integer order.  Own exp, sums by ascending id: the same draw everywhere. */
#include "run.h"

typedef struct ft__sampler {
    const float *logits;
    float *p; /* exp(logit - largest) */
    int n;
    uint32_t cut; /* kept: a key above this, */
    int cut_id;   /* or equal with an id up to this */
} ft__sampler;

static int ft__sampler_greedy(const float *logits, int n) {
    int best = 0;
    for (int i = 1; i < n; i++)
        if (logits[i] > logits[best]) best = i;
    return best;
}

/* Integers in the order of the floats; -0 is 0. */
static uint32_t ft__sampler_key(float logit) {
    uint32_t bits = ft__bits_of(logit + 0.0f);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

static bool ft__sampler_kept(const ft__sampler *s, int i) {
    uint32_t key = ft__sampler_key(s->logits[i]);
    return key > s->cut || (key == s->cut && i <= s->cut_id);
}

/* What the kept candidates with a key of at least `key` weigh: 1 each, or their probability. */
static double ft__sampler_weight(const ft__sampler *s, uint32_t key, bool count) {
    double sum = 0;
    for (int i = 0; i < s->n; i++)
        if (ft__sampler_key(s->logits[i]) >= key && ft__sampler_kept(s, i)) sum += count ? 1.0 : (double)s->p[i];
    return sum;
}

/* Keeps the fewest of the best candidates that weigh `wanted` together. */
static void ft__sampler_cut(ft__sampler *s, double wanted, bool count) {
    uint32_t cut = 0;
    for (uint32_t bit = 0x80000000u; bit; bit >>= 1)
        if (ft__sampler_weight(s, cut | bit, count) >= wanted) cut |= bit;
    double sum = cut == UINT32_MAX ? 0 : ft__sampler_weight(s, cut + 1, count);
    int last = -1;
    for (int i = 0; i < s->n && sum < wanted; i++) {
        if (ft__sampler_key(s->logits[i]) != cut || !ft__sampler_kept(s, i)) continue;
        sum += count ? 1.0 : (double)s->p[i];
        last = i;
    }
    s->cut = cut;
    s->cut_id = last;
}

static int ft__sampler_draw(ft__sampler *s, int best, const ft_sampling *how, const ft_draw *draw) {
    double sum = 0, so_far = 0, unit;
    float sharper = 1.0f / how->temperature, largest = s->logits[best];
    int last = best; /* if nothing is left: min_p above 1, a temperature whose reciprocal overflows */
    for (int i = 0; i < s->n; i++) {
        bool in = ft__sampler_kept(s, i) && !(s->p[i] < how->min_p);
        s->p[i] = in ? ft__expf((s->logits[i] - largest) * sharper) : 0.0f;
        sum += (double)s->p[i];
    }
    unit = ft__random_unit(how->seed, draw->row, draw->variant, draw->position);
    for (int i = 0; i < s->n; i++) {
        if (s->p[i] == 0) continue;
        so_far += (double)s->p[i];
        last = i;
        if (so_far > unit * sum) break;
    }
    return last;
}

int ft_sample(const float *logits, int n_vocab, const ft_sampling *sampling, const ft_draw *draw,
              float *scratch) {
    if (n_vocab < 1) return -1;
    const int best = ft__sampler_greedy(logits, n_vocab);
    if (!sampling || !(sampling->temperature > 0) || !scratch || !draw) return best;
    ft__sampler s = {logits, scratch, n_vocab, 0, n_vocab};
    for (int i = 0; i < n_vocab; i++) scratch[i] = ft__expf(logits[i] - logits[best]);
    if (sampling->top_k > 0 && sampling->top_k < n_vocab) ft__sampler_cut(&s, sampling->top_k, true);
    if (sampling->top_p > 0 && sampling->top_p < 1)
        ft__sampler_cut(&s, (double)sampling->top_p * ft__sampler_weight(&s, 0, false), false);
    return ft__sampler_draw(&s, best, sampling, draw);
}
