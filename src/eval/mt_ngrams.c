/* How many n-grams a text shares with its references, for the metrics of machine translation.

   N-grams are counted by sorting: the tokens that begin at a place are packed into one 64-bit key,
   the first one highest, so that equal n-grams of every order stand side by side once the keys are
   sorted.  Where the tokens do not fit (large vocabularies, high orders), the n-grams so far are
   replaced by their rank and the next tokens follow in another round.  Linear in the text, whatever
   it holds.  Above four million tokens of as many kinds not even one fits; that counts as out of
   memory. */
#include "eval.h"

/* One order while the sorted keys go by; what it holds is about the n-gram at hand. */
typedef struct ft__mt_order {
    uint32_t counts[2]; /* how often it is in the output; at most in one reference */
    uint32_t group;     /* its number, from 1 */
} ft__mt_order;

/* How often in one reference, if `group` is the n-gram at hand, else never. */
typedef struct ft__mt_cell {
    uint32_t count, group;
} ft__mt_cell;

typedef struct ft__mt_count {
    const ft__mt_texts *texts;
    size_t first, n_refs, n_output;
    int done, now;          /* orders counted; further ones in this round */
    int bits, at_bits;      /* of a token, of a place in ids */
    uint64_t *keys, *spare; /* rank, `now` tokens (0 beyond the text's end), place */
    size_t n;
    uint32_t *ranks;        /* (n_ids) of the n-gram of order `done`; 0: it is there only once */
    uint32_t n_ranks;
    uint32_t *owners;       /* (n_ids) of which reference a place is; NULL if there is only one */
    ft__mt_order *orders;   /* (now) */
    ft__mt_cell *cells;     /* (now, n_refs) */
    uint64_t *overlap;
} ft__mt_count;

static int ft__mt_bits(uint64_t n) { return n ? 64 - __builtin_clzll(n) : 0; }

static void ft__mt_pack(ft__mt_count *c, size_t text) {
    size_t length;
    const uint32_t *ids = ft__mt_ids(c->texts, text, &length);
    int bits = c->bits, low = c->at_bits, top = low + (c->now - 1) * bits;
    uint64_t window = 0, begin = (uint64_t)(ids - c->texts->ids);
    for (size_t i = length; i-- > 0;) {
        size_t next = i + (size_t)c->done;
        window = window >> bits >> low << low | (uint64_t)(next < length ? ids[next] : 0) << top;
        uint64_t at = begin + i;
        if (c->done == 0) c->keys[c->n++] = window | at;
        else if (c->ranks[at])
            c->keys[c->n++] = (uint64_t)c->ranks[at] << (top + bits) | window | at;
    }
}

/* By the bits from `shift` to `end`: counting sort, digit after digit. */
static void ft__mt_sort(ft__mt_count *c, int shift, int end) {
    int most = c->n < 512 ? 8 : c->n < 8192 ? 9 : 11, rounds = (end - shift + most - 1) / most;
    int digit = (end - shift + rounds - 1) / rounds;
    uint32_t mask = (1u << digit) - 1, starts[2048];
    for (; shift < end; shift += digit) {
        uint32_t sum = 0;
        memset(starts, 0, (mask + 1) * sizeof *starts);
        for (size_t i = 0; i < c->n; i++) starts[c->keys[i] >> shift & mask]++;
        for (uint32_t i = 0; i <= mask; i++) {
            uint32_t count = starts[i];
            starts[i] = sum;
            sum += count;
        }
        for (size_t i = 0; i < c->n; i++)
            c->spare[starts[c->keys[i] >> shift & mask]++] = c->keys[i];
        uint64_t *swap = c->keys;
        c->keys = c->spare;
        c->spare = swap;
    }
}

/* This n-gram is over.  With one reference its counts are part of those of the order below. */
static void ft__mt_close(ft__mt_count *c, int order) {
    ft__mt_order *o = &c->orders[order];
    uint32_t output = o->counts[0], reference = o->counts[1];
    c->overlap[c->done + order] += output < reference ? output : reference;
    if (c->n_refs == 1 && order > 0) o[-1].counts[0] += output, o[-1].counts[1] += reference;
    o->counts[0] = o->counts[1] = 0;
    o->group++;
}

/* Counts at all orders up to `shared`: the largest count of a reference cannot be summed up. */
static void ft__mt_tally(ft__mt_count *c, size_t at, int shared) {
    for (int order = 0; order < shared; order++) {
        ft__mt_order *o = &c->orders[order];
        if (at < c->n_output) {
            o->counts[0]++;
            continue;
        }
        ft__mt_cell *cell = &c->cells[(size_t)order * c->n_refs + c->owners[at]];
        if (cell->group != o->group) cell->count = 0, cell->group = o->group;
        if (++cell->count > o->counts[1]) o->counts[1] = cell->count;
    }
}

/* Goes through the sorted keys.  Only n-grams that are there twice can be in both texts: those of
   an order that a key shares with neither neighbour are left out. */
static void ft__mt_walk(ft__mt_count *c) {
    uint64_t place = ((uint64_t)1 << c->at_bits) - 1;
    int open = 0, old = 0; /* orders that are open; that a key shares with the one before */
    int8_t digits[65];     /* of a bit, counted from the last token, at most `now` */
    for (int bit = 0; bit <= 64; bit++) {
        int digit = bit < c->at_bits ? 0 : (bit - c->at_bits) / c->bits;
        digits[bit] = (int8_t)(digit < c->now ? digit : c->now);
    }
    c->n_ranks = 0;
    for (size_t i = 0; i < c->n; i++) {
        uint64_t key = c->keys[i] & ~place, at = c->keys[i] & place;
        uint64_t differs = i + 1 < c->n ? (key ^ c->keys[i + 1]) & ~place : ~(uint64_t)0;
        int next = differs ? c->now - 1 - digits[63 - __builtin_clzll(differs)] : c->now;
        if (next < 0) next = 0; /* the rank differs, too */
        int shared = old > next ? old : next, length = c->now - digits[__builtin_ctzll(key)];
        if (shared > length) shared = length;
        while (open > old) ft__mt_close(c, --open);
        open = shared;
        if (c->n_refs > 1) ft__mt_tally(c, at, shared);
        else if (shared > 0) c->orders[shared - 1].counts[at >= c->n_output]++;
        if (c->ranks) {
            if (shared == c->now && old < c->now) c->n_ranks++;
            c->ranks[at] = shared == c->now ? c->n_ranks : 0;
        }
        old = next;
    }
    while (open > 0) ft__mt_close(c, --open);
}

/* One round: as many orders as fit into a key. */
static bool ft__mt_round(ft__mt_count *c, int left) {
    const ft_allocator *a = &c->texts->arena.allocator;
    int rank_bits = c->done ? ft__mt_bits(c->n_ranks) : 0;
    int fit = (64 - rank_bits - c->at_bits) / c->bits;
    if (fit < 1) return false;
    c->now = left < fit ? left : fit;
    if (c->now < left && !c->ranks) {
        c->ranks = (uint32_t *)ft__alloc_zero(a, c->texts->n_ids, sizeof *c->ranks);
        if (!c->ranks) return false;
    }
    c->n = 0;
    ft__mt_pack(c, 0);
    for (size_t i = 0; i < c->n_refs; i++) ft__mt_pack(c, c->first + i);
    ft__mt_sort(c, c->at_bits, c->at_bits + rank_bits + c->now * c->bits);
    c->orders = (ft__mt_order *)ft__alloc_zero(a, (size_t)c->now, sizeof *c->orders);
    if (c->n_refs > 1)
        c->cells = (ft__mt_cell *)ft__alloc_zero(a, (size_t)c->now * c->n_refs, sizeof *c->cells);
    bool ok = c->orders && (c->cells || c->n_refs == 1);
    if (ok) ft__mt_walk(c);
    ft__free(a, c->orders);
    ft__free(a, c->cells);
    c->done += c->now;
    return ok;
}

static bool ft__mt_find_owners(ft__mt_count *c) {
    const ft__mt_texts *t = c->texts;
    c->owners = (uint32_t *)ft__alloc_zero(&t->arena.allocator, t->n_ids, sizeof *c->owners);
    for (size_t i = 0; c->owners && i < c->n_refs; i++)
        for (size_t at = t->ends[c->first + i - 1]; at < t->ends[c->first + i]; at++)
            c->owners[at] = (uint32_t)i;
    return c->owners != NULL;
}

FT__PRIV bool ft__mt_overlap(const ft__mt_texts *t, size_t first, size_t n_refs, int max_order,
                             uint64_t *overlap) {
    const ft_allocator *a = &t->arena.allocator;
    ft__mt_count c;
    memset(&c, 0, sizeof c);
    memset(overlap, 0, (size_t)max_order * sizeof *overlap);
    c.n_output = t->ends[0];
    size_t n = t->ends[first + n_refs - 1] - t->ends[first - 1];
    if (n == 0 || c.n_output == 0) return true;
    if (c.n_output < (size_t)max_order) max_order = (int)c.n_output;
    c.texts = t;
    c.first = first;
    c.n_refs = n_refs;
    c.bits = ft__mt_bits(t->words.n);
    c.at_bits = ft__mt_bits(t->n_ids);
    c.overlap = overlap;
    c.keys = (uint64_t *)ft__alloc_zero(a, n + c.n_output, sizeof *c.keys);
    c.spare = (uint64_t *)ft__alloc_zero(a, n + c.n_output, sizeof *c.spare);
    bool ok = c.keys && c.spare && (n_refs == 1 || ft__mt_find_owners(&c));
    while (ok && c.done < max_order && (!c.done || c.n_ranks))
        ok = ft__mt_round(&c, max_order - c.done);
    ft__free(a, c.owners);
    ft__free(a, c.ranks);
    ft__free(a, c.keys);
    ft__free(a, c.spare);
    return ok;
}

