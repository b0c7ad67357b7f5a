/* TER, the translation edit rate (M. Snover et al., "A study of translation edit rate with targeted
   human annotation", 2006), with the numbers of sacreBLEU 2.6.0, which follows the program tercom.

     score = 100 edits / mean length of the references,  edits = shifts + insertions + deletions +
                                                                 substitutions of words

   The least edits over the references count.  Shifts are found greedily: of all moves of up to
   ten words that match the reference at another place, the one that lowers the edit distance most
   is made, until none lowers it or 1000 moves were tried.  The edit distance itself looks only at
   a beam around the diagonal.  Lower is better; there is no upper end.  An empty reference gives
   100, or 0 for an empty output.  With "normalized" the program cuts references a little finer
   than outputs (ft__mt_add_ter_reference), so that even equal texts may be an edit or two apart;
   so do we.

   That is expensive by definition: up to 1000 edit distances for one pair of texts.  A move
   changes few rows of the matrix, so we compute from the first changed row until a row differs
   from the known one by a constant: all later rows then differ by it, too.  That gives the same
   numbers.  What still needs more than FT__TER_MAX_STEPS is refused. */
#include "eval.h"

#define FT__TER_MAX_STEPS 1000000000u /* about two seconds */
#define FT__TER_MAX_CELLS 25000000u   /* of the matrix: 100 MB */
#define FT__TER_INFINITE (1u << 30)

enum { FT__TER_BEAM = 25, FT__TER_MAX_MOVES = 1000, FT__TER_MAX_LENGTH = 10, FT__TER_MAX_WAY = 50 };

/* Cells hold 4 * cost + operation.  The first of equally cheap operations is the least number, so
   that the least cell is the right one.  A match (0) costs nothing where the words are equal. */
enum { FT__TER_MATCH, FT__TER_DELETE, FT__TER_INSERT };

typedef struct ft__ter {
    const uint32_t *ref;
    size_t n, n_ref;
    uint32_t *words, *moved;  /* (n) the output as it is now; the same with a move that is tried */
    size_t *first, *row;      /* (n + 2) of each row: its first column, its place in cells */
    uint32_t *cells;
    uint32_t *spare[2];       /* rows of a move that is tried */
    int64_t *align;           /* (n_ref) the word of the output at each word of the reference */
    uint32_t *errors, *ref_errors; /* (n + 1), (n_ref + 1) how many wrong words are before */
    uint64_t steps;
    int moves;                /* tried */
} ft__ter;

typedef struct ft__ter_move {
    int64_t gain;
    size_t start, length, target;
} ft__ter_move;

typedef enum ft__ter_result { FT__TER_DONE, FT__TER_NO_MEMORY, FT__TER_TOO_LONG } ft__ter_result;

/* ---- edit distance */

static size_t ft__ter_width(const ft__ter *t, size_t i) { return t->row[i + 1] - t->row[i]; }

/* Row i of the matrix from the one above, for the i-th word (from 1).  Cells outside of the beam
   are infinite; the beam only moves to the right. */
static void ft__ter_row(ft__ter *t, size_t i, uint32_t word, const uint32_t *above, uint32_t *row) {
    size_t j = t->first[i], end = j + ft__ter_width(t, i);
    size_t first = t->first[i - 1], stop = first + ft__ter_width(t, i - 1);
    uint32_t left = FT__TER_INFINITE;
    uint32_t diagonal = j > first && j <= stop ? above[j - 1 - first] & ~3u : FT__TER_INFINITE;
    t->steps += end - j;
    for (; j < end; j++) {
        uint32_t up = j < stop ? above[j - first] & ~3u : FT__TER_INFINITE;
        uint32_t best = up + 4 + FT__TER_DELETE;
        if (j > 0) {
            uint32_t match = diagonal + (t->ref[j - 1] == word ? 0 : 4);
            uint32_t insert = left + 4 + FT__TER_INSERT;
            if (match < best) best = match;
            if (insert < best) best = insert;
        }
        *row++ = best;
        left = best & ~3u;
        diagonal = up;
    }
}

/* Rows of the words from index `from` on. */
static void ft__ter_fill(ft__ter *t, size_t from) {
    for (size_t i = from + 1; i <= t->n; i++)
        ft__ter_row(t, i, t->words[i - 1], t->cells + t->row[i - 1], t->cells + t->row[i]);
}

static int64_t ft__ter_distance(const ft__ter *t) { return t->cells[t->row[t->n + 1] - 1] / 4; }

/* Walks back through the matrix: which words stand at which, and which are wrong.  A deleted word
   of the output stands nowhere; an inserted one of the reference at the word before. */
static void ft__ter_trace(ft__ter *t) {
    size_t i = t->n, j = t->n_ref;
    while (i > 0 || j > 0) {
        uint32_t op = t->cells[t->row[i] + j - t->first[i]] & 3u;
        if (op == FT__TER_MATCH) {
            i--;
            j--;
            t->align[j] = (int64_t)i;
            t->errors[i + 1] = t->ref_errors[j + 1] = t->words[i] != t->ref[j];
        } else if (op == FT__TER_DELETE) {
            t->errors[i--] = 1;
        } else {
            t->ref_errors[j--] = 1;
            t->align[j] = (int64_t)i - 1;
        }
    }
    for (i = 0; i < t->n; i++) t->errors[i + 1] += t->errors[i];
    for (j = 0; j < t->n_ref; j++) t->ref_errors[j + 1] += t->ref_errors[j];
}

/* ---- moves */

/* Moves a block before the word that is at `target` now.  A target in the block or right after it
   moves the block by target - start.  Gives the range of words that changed. */
static void ft__ter_move_words(uint32_t *words, size_t n, const ft__ter_move *m, size_t *begin,
                               size_t *end) {
    uint32_t block[FT__TER_MAX_LENGTH];
    size_t start = m->start, length = m->length, after = start + length;
    memcpy(block, words + start, length * sizeof *block);
    if (m->target < start) {
        *begin = m->target;
        *end = after;
        memmove(words + m->target + length, words + m->target,
                (start - m->target) * sizeof *words);
        memcpy(words + m->target, block, length * sizeof *block);
        return;
    }
    *begin = start;
    *end = m->target > after ? m->target : m->target + length < n ? m->target + length : n;
    memmove(words + start, words + after, (*end - after) * sizeof *words);
    memcpy(words + *end - length, block, length * sizeof *block);
}

/* Are all costs of the row those of the known one and a constant? */
static bool ft__ter_parallel(const uint32_t *row, const uint32_t *known, size_t n) {
    uint32_t differ = row[0] / 4 - known[0] / 4;
    size_t i = 1;
    while (i < n && row[i] / 4 - known[i] / 4 == differ) i++;
    return i == n;
}

/* How much lower the edit distance gets. */
static int64_t ft__ter_gain(ft__ter *t, const ft__ter_move *m) {
    size_t begin, end, i;
    ft__ter_move_words(t->moved, t->n, m, &begin, &end);
    const uint32_t *above = t->cells + t->row[begin], *known = above;
    for (i = begin + 1; i <= t->n; i++) {
        uint32_t *row = t->spare[i % 2];
        ft__ter_row(t, i, t->moved[i - 1], above, row);
        above = row;
        known = t->cells + t->row[i];
        if (i >= end && ft__ter_parallel(row, known, ft__ter_width(t, i))) break;
    }
    if (i > t->n) i = t->n;
    memcpy(t->moved + begin, t->words + begin, (end - begin) * sizeof *t->words);
    size_t last = ft__ter_width(t, i) - 1;
    return (int64_t)(known[last] / 4) - (int64_t)(above[last] / 4);
}

static bool ft__ter_is_better(const ft__ter_move *a, const ft__ter_move *b) {
    if (a->gain != b->gain) return a->gain > b->gain;
    if (a->length != b->length) return a->length > b->length;
    if (a->start != b->start) return a->start < b->start;
    return a->target < b->target;
}

/* Tries to move a block to where it matches the reference at start_r: before it, and after each of
   its words. */
static void ft__ter_try(ft__ter *t, ft__ter_move m, size_t start_r, ft__ter_move *best) {
    int64_t at = t->align[start_r];
    size_t target = SIZE_MAX;
    if (t->errors[m.start + m.length] == t->errors[m.start] ||
        t->ref_errors[start_r + m.length] == t->ref_errors[start_r] ||
        (at >= (int64_t)m.start && at < (int64_t)(m.start + m.length)))
        return;
    for (size_t offset = 0; offset <= m.length; offset++) { /* one more than in the program */
        size_t r = start_r + offset;
        m.target = r == 0 ? 0 : (size_t)(t->align[r - 1] + 1);
        if (m.target == target) continue;
        target = m.target;
        m.gain = ft__ter_gain(t, &m);
        t->moves++;
        if (best->length == 0 || ft__ter_is_better(&m, best)) *best = m;
    }
}

/* best->length 0: there is none. */
static ft__ter_result ft__ter_find_move(ft__ter *t, ft__ter_move *best) {
    memset(best, 0, sizeof *best);
    for (size_t start = 0; start < t->n; start++) {
        size_t reach = FT__TER_MAX_LENGTH;
        if (reach > t->n - start) reach = t->n - start;
        size_t r = start > FT__TER_MAX_WAY ? start - FT__TER_MAX_WAY : 0;
        if (t->errors[start + reach] == t->errors[start]) continue;
        for (; r < t->n_ref && r <= start + FT__TER_MAX_WAY; r++, t->steps++) {
            ft__ter_move m = {0, start, 0, 0};
            while (m.length < reach && r + m.length < t->n_ref &&
                   t->words[start + m.length] == t->ref[r + m.length]) {
                m.length++;
                ft__ter_try(t, m, r, best);
                if (t->steps > FT__TER_MAX_STEPS) return FT__TER_TOO_LONG;
                if (t->moves >= FT__TER_MAX_MOVES) return FT__TER_DONE;
            }
        }
    }
    return FT__TER_DONE;
}

/* ---- edits */

/* The beam of each row.  False: too many cells. */
static bool ft__ter_lay_out(ft__ter *t, size_t *widest) {
    double ratio = (double)t->n_ref / (double)t->n, half = ratio / 2 + FT__TER_BEAM;
    size_t beam = FT__TER_BEAM;
    if (ratio / 2 > FT__TER_BEAM) beam = (size_t)half + (ft__floor(half) < half);
    *widest = t->n_ref + 1;
    t->row[1] = t->n_ref + 1;
    for (size_t i = 1; i <= t->n; i++) {
        size_t middle = (size_t)((double)i * ratio), end = middle + beam;
        if (i == t->n || end > t->n_ref + 1) end = t->n_ref + 1;
        t->first[i] = middle > beam ? middle - beam : 0;
        t->row[i + 1] = t->row[i] + end - t->first[i];
        if (t->row[i + 1] > FT__TER_MAX_CELLS) return false;
    }
    return true;
}

/* Everything is zeroed; row 0 is all insertions. */
static ft__ter_result ft__ter_prepare(ft__ter *t, const uint32_t *words, ft__arena *arena) {
    size_t widest;
    t->first = (size_t *)ft__arena_alloc(arena, t->n + 2, sizeof *t->first);
    t->row = (size_t *)ft__arena_alloc(arena, t->n + 2, sizeof *t->row);
    t->words = (uint32_t *)ft__arena_alloc(arena, t->n, sizeof *t->words);
    t->moved = (uint32_t *)ft__arena_alloc(arena, t->n, sizeof *t->moved);
    t->align = (int64_t *)ft__arena_alloc(arena, t->n_ref, sizeof *t->align);
    t->errors = (uint32_t *)ft__arena_alloc(arena, t->n + 1, sizeof *t->errors);
    t->ref_errors = (uint32_t *)ft__arena_alloc(arena, t->n_ref + 1, sizeof *t->ref_errors);
    if (arena->failed) return FT__TER_NO_MEMORY;
    if (!ft__ter_lay_out(t, &widest)) return FT__TER_TOO_LONG;
    t->cells = (uint32_t *)ft__arena_alloc(arena, t->row[t->n + 1], sizeof *t->cells);
    t->spare[0] = (uint32_t *)ft__arena_alloc(arena, widest, sizeof **t->spare);
    t->spare[1] = (uint32_t *)ft__arena_alloc(arena, widest, sizeof **t->spare);
    if (arena->failed) return FT__TER_NO_MEMORY;
    for (uint32_t j = 0; j <= t->n_ref; j++) t->cells[j] = 4 * j + FT__TER_INSERT;
    memcpy(t->words, words, t->n * sizeof *words);
    memcpy(t->moved, words, t->n * sizeof *words);
    return FT__TER_DONE;
}

/* The move that reaches the limit is not made. */
static ft__ter_result ft__ter_search(ft__ter *t, size_t *edits) {
    ft__ter_move best;
    size_t shifts = 0, from = 0, end;
    for (;; shifts++) {
        ft__ter_fill(t, from);
        ft__ter_trace(t);
        ft__ter_result result = ft__ter_find_move(t, &best);
        if (result != FT__TER_DONE) return result;
        if (t->moves >= FT__TER_MAX_MOVES || best.length == 0 || best.gain <= 0) break;
        ft__ter_move_words(t->words, t->n, &best, &from, &end);
        memcpy(t->moved + from, t->words + from, (end - from) * sizeof *t->words);
    }
    *edits = shifts + (size_t)ft__ter_distance(t);
    return FT__TER_DONE;
}

static ft__ter_result ft__ter_edits(const ft__mt_texts *texts, size_t reference, size_t *edits,
                                    size_t *n_ref) {
    ft__ter t;
    ft__arena arena;
    memset(&t, 0, sizeof t);
    const uint32_t *words = ft__mt_ids(texts, 0, &t.n);
    t.ref = ft__mt_ids(texts, reference, &t.n_ref);
    *n_ref = t.n_ref;
    *edits = t.n + t.n_ref;
    if (t.n == 0 || t.n_ref == 0) return FT__TER_DONE;
    if (t.n_ref > FT__TER_MAX_CELLS || t.n > FT__TER_MAX_CELLS) return FT__TER_TOO_LONG;
    ft__arena_init(&arena, &texts->arena.allocator);
    ft__ter_result result = ft__ter_prepare(&t, words, &arena);
    if (result == FT__TER_DONE) result = ft__ter_search(&t, edits);
    ft__arena_free(&arena);
    return result;
}

/* Of text 0 against all others: the least edits, the mean length. */
static ft__ter_result ft__ter_segment(const ft__mt_texts *texts, double *edits, double *length) {
    size_t least = SIZE_MAX, sum = 0, found, n_ref;
    if (!ft__mt_ok(texts)) return FT__TER_NO_MEMORY;
    for (size_t i = 1; i < texts->n; i++) {
        ft__ter_result result = ft__ter_edits(texts, i, &found, &n_ref);
        if (result != FT__TER_DONE) return result;
        if (found < least) least = found;
        sum += n_ref;
    }
    *edits = (double)least;
    *length = (double)sum / (double)(texts->n - 1);
    return FT__TER_DONE;
}

static double ft__ter_score(double edits, double length) {
    return length > 0 ? 100 * (edits / length) : edits > 0 ? 100 : 0;
}

static const char ft__ter_too_long[] = "output and reference are too long for TER, which would need"
                                       " more than 1000 million steps or 100 MB";

/* ---- evaluator */

static ft_status ft__ter_read_params(ft_evaluator *e, ft_error *err) {
    static const char *const names[] = FT__TER_FLAGS;
    unsigned *flags = (unsigned *)ft__arena_alloc(&e->arena, 1, sizeof *flags);
    if (!flags) return ft__fail_memory(err);
    for (unsigned i = 0; i < FT__COUNT(names); i++)
        if (ft__param_flag(e, names[i])) *flags |= 1u << i;
    e->state = flags;
    return FT_OK;
}

static bool ft__ter_evaluate(const ft_evaluator *e, const ft_row *row, ft__view output,
                             ft_score *score) {
    unsigned flags = *(const unsigned *)e->state;
    ft__answers answers;
    ft__mt_texts t;
    double edits = 0, length = 0;
    size_t n;
    if (!ft__answers_find(&answers, row, score)) return true;
    ft__mt_init(&t, &e->arena.allocator);
    ft__mt_add_ter(&t, output, flags);
    for (const ft__json *value; (value = ft__answers_next(&answers)) != NULL;)
        ft__mt_add_ter_reference(&t, ft__json_as_text(value), flags);
    ft__ter_result result = ft__ter_segment(&t, &edits, &length);
    if (result == FT__TER_DONE) {
        ft__mt_ids(&t, 0, &n);
        score->value = ft__ter_score(edits, length);
        ft__score_detail(score, "%zu edits of %zu words", (size_t)edits, n);
    }
    ft__mt_free(&t);
    if (result == FT__TER_TOO_LONG) ft__score_error(score, "%s", ft__ter_too_long);
    return result != FT__TER_NO_MEMORY;
}

FT__PRIV const ft__evaluator_kind *ft__ter_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"ter", "translation edit rate as sacreBLEU computes it: edits per 100 reference words",
          "expected",
          "{\"normalized\": false, \"no_punct\": false, \"asian_support\": false, "
          "\"case_sensitive\": false, \"threshold\": 50}",
          0, DBL_MAX, false, 50,
          "ter|nrefs:var|case:lc|tok:tercom|norm:no|punct:yes|asian:no|version:2.6.0",
          FT_FROM_TEXT},
         0, ft__ter_read_params, ft__ter_evaluate, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}

/* ---- metrics */

static ft_status ft__ter_add_segment(const ft__mt_segments *segment, unsigned flags,
                                     double *edits, double *length) {
    const ft__metric_call *call = segment->call;
    ft__mt_texts t;
    double more = 0, longer = 0;
    ft__mt_init(&t, &call->arena->allocator);
    ft__mt_add_ter(&t, segment->output, flags);
    for (size_t i = 0; i < segment->n_refs; i++)
        ft__mt_add_ter_reference(&t, segment->refs[i], flags);
    ft__ter_result result = ft__ter_segment(&t, &more, &longer);
    ft__mt_free(&t);
    *edits += more;
    *length += longer;
    return result == FT__TER_DONE       ? FT_OK
           : result == FT__TER_TOO_LONG ? ft__metric_fail(call, "%s", ft__ter_too_long)
                                        : ft__fail_memory(call->err);
}

static ft_status ft__ter_run(const ft__metric_call *call) {
    unsigned flags;
    double edits = 0, length = 0;
    ft__mt_segments segments;
    ft_status status = ft__ter_flags(call, &flags);
    if (!status) status = ft__mt_segments_find(call, call->which == 1, &segments);
    while (!status && segments.left) {
        status = ft__mt_segments_next(&segments);
        if (!status) status = ft__ter_add_segment(&segments, flags, &edits, &length);
    }
    if (status) return status;
    ft__json_begin(call->out, '{');
    ft__metric_number(call->out, "score", ft__ter_score(edits, length));
    ft__metric_number(call->out, "num_edits", edits);
    ft__metric_number(call->out, "ref_length", length);
    ft__json_end(call->out, '}');
    return FT_OK;
}

FT__PRIV const ft__metric_kind *ft__ter_metrics(size_t *n) {
    static const ft__metric_kind kinds[] = {
        {"ter_sentence", 0, ft__ter_run},
        {"ter_corpus", 1, ft__ter_run},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}

#undef FT__TER_MAX_STEPS
#undef FT__TER_MAX_CELLS
#undef FT__TER_INFINITE
