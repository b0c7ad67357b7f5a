/* ROUGE: C.-Y. Lin, "ROUGE: a package for automatic evaluation of summaries", 2004; the numbers are
   those of Google's rouge_score 0.1.2.

   Tokens are runs of a-z and 0-9 of the text in lower case; perhaps stemmed (Porter as NLTK has it,
   porter.c) where they are longer than three characters.  All other letters separate: there is no
   ROUGE of a Chinese or Russian text.  The evaluators say so, as an error, where the expected text
   has nothing to compare; the metric gives 0.

   matches / tokens of the output is the precision, matches / tokens of the reference the recall,
   2 P R / (P + R) the F-measure.  Matches are

   - rougeN: common n-grams, each as often as it is in both.
   - rougeL: the longest common subsequence of the two lists of tokens.
   - rougeLsum: line by line.  For each line of the reference the tokens that are in *one* longest
     common subsequence with any line of the output; of these as many as both whole texts have.
     Which one of several longest subsequences counts is fixed by how the original walks back
     through its table: equal tokens are taken, then left if that is greater than up, else up.

   L and Lsum take time in the product of the two lengths, 64 cells at a step (H. Hyyro,
   "Bit-parallel LCS-length computation revisited", 2004): some 100,000 tokens against as many take
   a quarter of a second.  Beyond FT__ROUGE_MAX_STEPS, and for Lsum beyond FT__ROUGE_MAX_TABLE for
   one line of the reference, they refuse. */
#include "eval.h"

#define FT__ROUGE_MAX_STEPS ((size_t)1 << 29) /* about a second */
#define FT__ROUGE_MAX_TABLE ((size_t)1 << 24) /* words of 64 cells: 128 MiB */
#define FT__ROUGE_NO_TOKEN UINT32_MAX

enum { FT__ROUGE_LSUM = -1, FT__ROUGE_L = 0 }; /* kinds; 1 and more: the order of n-grams */

/* ---- texts as tokens */

/* What all texts that are compared have in common. */
typedef struct ft__rouge {
    ft__arena arena; /* their tokens' letters */
    ft__interner words, stems;
    ft__tokens token_of; /* by word; FT__ROUGE_NO_TOKEN where its stem is empty */
    bool stem;
} ft__rouge;

typedef struct ft__rouge_text {
    ft__tokens tokens;
    ft__tokens ends; /* of the lines that have tokens: counts of tokens up to their end */
} ft__rouge_text;

static void ft__rouge_init(ft__rouge *v, bool stem, const ft_allocator *a) {
    ft__arena_init(&v->arena, a);
    ft__interner_init(&v->words, a);
    ft__interner_init(&v->stems, a);
    ft__tokens_init(&v->token_of, a);
    v->stem = stem;
}

static void ft__rouge_free(ft__rouge *v) {
    ft__tokens_free(&v->token_of);
    ft__interner_free(&v->stems);
    ft__interner_free(&v->words);
    ft__arena_free(&v->arena);
}

static void ft__rouge_text_init(ft__rouge_text *t, const ft_allocator *a) {
    ft__tokens_init(&t->tokens, a);
    ft__tokens_init(&t->ends, a);
}

static void ft__rouge_text_free(ft__rouge_text *t) {
    ft__tokens_free(&t->tokens);
    ft__tokens_free(&t->ends);
}

/* A letter or digit in lower case, 0 for all else.  *p moves past it.  The dotted capital I and the
   Kelvin sign are the only others whose lower case is in a-z; of the first one a dot remains, which
   separates. */
static char ft__rouge_letter(const char **p, const char *end) {
    char c = *(*p)++;
    size_t left = (size_t)(end - *p);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return c;
    if (c >= 'A' && c <= 'Z') return (char)(c | 0x20);
    if (c == '\xC4' && left >= 1 && **p == '\xB0') return 'i';
    if (c == '\xE2' && left >= 2 && (*p)[0] == '\x84' && (*p)[1] == '\xAA') {
        *p += 2;
        return 'k';
    }
    return 0;
}

/* The token of a word, which is stemmed when it comes up first. */
static uint32_t ft__rouge_token(ft__rouge *v, ft__view word) {
    uint32_t id = ft__interner_id(&v->words, word);
    if (!v->stem) return id;
    if (id < v->token_of.n) return v->token_of.ids[id];
    char *copy = ft__arena_text(&v->arena, word.text, word.n);
    ft__view stem = {copy, word.n};
    if (copy && word.n > 3) stem.n = ft__porter(copy, word.n, FT__PORTER_NLTK);
    uint32_t token = copy && stem.n ? ft__interner_id(&v->stems, stem) : FT__ROUGE_NO_TOKEN;
    ft__tokens_add(&v->token_of, token);
    return token;
}

/* False: out of memory. */
static bool ft__rouge_read(ft__rouge *v, ft__view text, ft__rouge_text *t) {
    char *letters = (char *)ft__arena_alloc(&v->arena, text.n, 1);
    size_t n = 0, line = 0; /* letters of the word, tokens up to the line */
    t->tokens.n = t->ends.n = 0;
    for (const char *p = text.text, *end = p + text.n; letters && p < end;) {
        bool newline = *p == '\n';
        char c = ft__rouge_letter(&p, end);
        if (c) letters[n++] = c;
        if (n && (!c || p == end)) {
            ft__view word = {letters, n};
            uint32_t token = ft__rouge_token(v, word);
            if (token != FT__ROUGE_NO_TOKEN) ft__tokens_add(&t->tokens, token);
            letters += n;
            n = 0;
        }
        if ((newline || p == end) && t->tokens.n > line)
            ft__tokens_add(&t->ends, (uint32_t)(line = t->tokens.n));
    }
    return !v->arena.failed && !v->words.failed && !v->stems.failed && !v->token_of.failed &&
           !t->tokens.failed && !t->ends.failed;
}

/* ---- matches */

typedef struct ft__rouge_counts {
    size_t matches, output, reference;
    bool too_long; /* refused */
} ft__rouge_counts;

/* False: out of memory. */
static bool ft__rouge_count_ngrams(size_t n_ids, size_t order, const ft__tokens *output,
                                   const ft__tokens *reference, ft__arena *scratch,
                                   ft__rouge_counts *r) {
    size_t n_x = output->n, n_y = reference->n;
    r->output = n_x >= order ? n_x - order + 1 : 0;
    r->reference = n_y >= order ? n_y - order + 1 : 0;
    if (!r->output || !r->reference) return true;
    uint32_t *counts = (uint32_t *)ft__arena_alloc(scratch, n_ids + n_x + n_y, sizeof *counts);
    uint32_t *x = (uint32_t *)ft__arena_alloc(scratch, n_x, sizeof *x);
    uint32_t *y = (uint32_t *)ft__arena_alloc(scratch, n_y, sizeof *y);
    if (!counts || !x || !y) return false;
    memcpy(x, output->ids, n_x * sizeof *x);
    memcpy(y, reference->ids, n_y * sizeof *y);
    ft__ngrams g;
    ft__ngrams_init(&g, &scratch->allocator);
    for (size_t k = 2; k <= order; k++) {
        ft__ngrams_clear(&g);
        ft__ngrams_extend(&g, x, output->ids, n_x, k);
        ft__ngrams_extend(&g, y, reference->ids, n_y, k);
    }
    bool ok = !g.failed;
    if (ok) r->matches = ft__ngrams_common(x, r->output, y, r->reference, counts);
    ft__ngrams_free(&g);
    return ok;
}

/* The table of longest common subsequences of rows (tokens of the reference) and columns (of the
   output, where each line starts a new table), as differences from row to row: bit i of a word is 0
   where row i's value is one more than that above it.  A word is 64 rows in one column; 64 rows and
   all columns are done before the next rows, with the carries from one to the next. */
typedef struct ft__rouge_table {
    const uint32_t *columns, *ends;
    size_t n_columns, n_ends;
    uint64_t *masks; /* by token: which of 64 rows have it; all 0 between uses */
    uint8_t *carry;  /* (n_columns) */
    uint64_t *cells; /* (n_rows / 64, rounded up, n_columns), or NULL: only the length is wanted */
} ft__rouge_table;

/* The lengths of the lines' subsequences, summed. */
static size_t ft__rouge_lcs(const ft__rouge_table *t, const uint32_t *rows, size_t n_rows) {
    size_t length = 0;
    uint64_t *cells = t->cells;
    memset(t->carry, 0, t->n_columns);
    for (size_t first = 0; first < n_rows; first += 64) {
        size_t n = n_rows - first < 64 ? n_rows - first : 64;
        for (size_t i = 0; i < n; i++) t->masks[rows[first + i]] |= (uint64_t)1 << i;
        for (size_t line = 0, j = 0; line < t->n_ends; line++) {
            uint64_t v = ~(uint64_t)0;
            for (; j < t->ends[line]; j++) {
                uint64_t same = t->masks[t->columns[j]];
                uint64_t sum = v + (v & same), all = sum + t->carry[j];
                t->carry[j] = sum < v || all < sum;
                v = all | (v & ~same);
                if (cells) cells[j] = v;
            }
            length += (size_t)__builtin_popcountll(~v);
        }
        for (size_t i = 0; i < n; i++) t->masks[rows[first + i]] = 0;
        if (cells) cells += t->n_columns;
    }
    return length;
}

/* Walks back through a line's part of the table; marks the rows it takes. */
static void ft__rouge_walk(const ft__rouge_table *t, const uint32_t *rows, size_t n_rows,
                           size_t begin, size_t end, uint8_t *taken) {
    size_t i = n_rows, j = end;
    while (i > 0 && j > begin) {
        uint64_t cell = t->cells[(i - 1) / 64 * t->n_columns + j - 1];
        if (rows[i - 1] == t->columns[j - 1]) {
            taken[i - 1] = 1;
            i--, j--;
        } else if (cell >> (i - 1) % 64 & 1) {
            i--;
        } else { /* more than above, and not by a match: so it comes from the left */
            j--;
        }
    }
}

/* Steps for all lines of the reference, one line's table; SIZE_MAX: too many. */
static size_t ft__rouge_steps(const ft__rouge_text *output, const ft__rouge_text *reference,
                              size_t *largest) {
    size_t steps = 0, begin = 0;
    *largest = 0;
    for (size_t line = 0; line < reference->ends.n; line++) {
        size_t n = reference->ends.ids[line] - begin, words = (n + 63) / 64 * output->tokens.n;
        steps += words + output->tokens.n + n * output->ends.n;
        if (words > *largest) *largest = words;
        if (steps > FT__ROUGE_MAX_STEPS || *largest > FT__ROUGE_MAX_TABLE) return SIZE_MAX;
        begin += n;
    }
    return steps;
}

/* One line of the reference: what of it is left in both texts. */
static size_t ft__rouge_count_line(const ft__rouge_table *t, const uint32_t *rows, size_t n_rows,
                                   uint8_t *taken, uint32_t *in_output, uint32_t *in_reference) {
    size_t hits = 0, begin = 0;
    memset(taken, 0, n_rows);
    ft__rouge_lcs(t, rows, n_rows);
    for (size_t line = 0; line < t->n_ends; line++) {
        ft__rouge_walk(t, rows, n_rows, begin, t->ends[line], taken);
        begin = t->ends[line];
    }
    for (size_t i = 0; i < n_rows; i++) {
        if (!taken[i] || !in_output[rows[i]] || !in_reference[rows[i]]) continue;
        in_output[rows[i]]--;
        in_reference[rows[i]]--;
        hits++;
    }
    return hits;
}

/* False: out of memory. */
static bool ft__rouge_count_lines(size_t n_ids, const ft__rouge_text *output,
                                  const ft__rouge_text *reference, size_t largest,
                                  ft__rouge_table *t, ft__arena *scratch, ft__rouge_counts *r) {
    uint32_t *in_output = (uint32_t *)ft__arena_alloc(scratch, n_ids, sizeof *in_output);
    uint32_t *in_reference = (uint32_t *)ft__arena_alloc(scratch, n_ids, sizeof *in_reference);
    uint8_t *taken = (uint8_t *)ft__arena_alloc(scratch, reference->tokens.n, 1);
    t->ends = output->ends.ids;
    t->n_ends = output->ends.n;
    t->cells = (uint64_t *)ft__arena_alloc(scratch, largest, sizeof *t->cells);
    if (!in_output || !in_reference || !taken || !t->cells) return false;
    for (size_t i = 0; i < output->tokens.n; i++) in_output[output->tokens.ids[i]]++;
    for (size_t i = 0; i < reference->tokens.n; i++) in_reference[reference->tokens.ids[i]]++;
    for (size_t line = 0, begin = 0; line < reference->ends.n; line++) {
        size_t n = reference->ends.ids[line] - begin;
        r->matches += ft__rouge_count_line(t, reference->tokens.ids + begin, n, taken, in_output,
                                           in_reference);
        begin += n;
    }
    return true;
}

/* L and Lsum.  False: out of memory. */
static bool ft__rouge_count_lcs(size_t n_ids, bool by_line, const ft__rouge_text *output,
                                const ft__rouge_text *reference, ft__arena *scratch,
                                ft__rouge_counts *r) {
    ft__rouge_table t;
    size_t n = output->tokens.n, largest;
    uint32_t end = (uint32_t)n;
    r->output = n;
    r->reference = reference->tokens.n;
    if (!r->output || !r->reference) return true;
    r->too_long = by_line ? ft__rouge_steps(output, reference, &largest) == SIZE_MAX
                          : (r->reference + 63) / 64 * n > FT__ROUGE_MAX_STEPS;
    if (r->too_long) return true;
    memset(&t, 0, sizeof t);
    t.columns = output->tokens.ids;
    t.n_columns = n;
    t.ends = &end;
    t.n_ends = 1;
    t.masks = (uint64_t *)ft__arena_alloc(scratch, n_ids, sizeof *t.masks);
    t.carry = (uint8_t *)ft__arena_alloc(scratch, n, 1);
    if (!t.masks || !t.carry) return false;
    if (by_line)
        return ft__rouge_count_lines(n_ids, output, reference, largest, &t, scratch, r);
    r->matches = ft__rouge_lcs(&t, reference->tokens.ids, r->reference);
    return true;
}

static bool ft__rouge_count(const ft__rouge *v, int kind, const ft__rouge_text *output,
                            const ft__rouge_text *reference, ft__rouge_counts *r) {
    ft__arena scratch;
    size_t n_ids = v->stem ? v->stems.n : v->words.n;
    memset(r, 0, sizeof *r);
    ft__arena_init(&scratch, &v->arena.allocator);
    bool ok = kind >= 1 ? ft__rouge_count_ngrams(n_ids, (size_t)kind, &output->tokens,
                                                 &reference->tokens, &scratch, r)
                        : ft__rouge_count_lcs(n_ids, kind == FT__ROUGE_LSUM, output, reference,
                                              &scratch, r);
    ft__arena_free(&scratch);
    return ok;
}

static const char *const ft__rouge_measures[] = {"fmeasure", "precision", "recall"};

/* In the order of the names above. */
static void ft__rouge_measure(const ft__rouge_counts *r, double values[3]) {
    double p = r->output ? (double)r->matches / (double)r->output : 0;
    double c = r->reference ? (double)r->matches / (double)r->reference : 0;
    values[0] = p + c > 0 ? 2 * p * c / (p + c) : 0;
    values[1] = p;
    values[2] = c;
}

/* ---- metric */

/* rouge1 ... rouge9, rougeL, rougeLsum. */
static bool ft__rouge_kind_of(ft__view name, int *kind) {
    if (name.n < 6 || memcmp(name.text, "rouge", 5) != 0) return false;
    char c = name.text[5];
    *kind = name.n == 6 && c >= '1' && c <= '9' ? c - '0'
            : name.n == 6                       ? FT__ROUGE_L
                                                : FT__ROUGE_LSUM;
    return *kind > 0 || ft__text_equal(name.text + 5, name.n - 5, "L", 1) ||
           ft__text_equal(name.text + 5, name.n - 5, "Lsum", 4);
}

static ft_status ft__rouge_write(const ft__metric_call *call, const ft__rouge *v, ft__view type,
                                 const ft__rouge_text *output, const ft__rouge_text *reference) {
    ft__rouge_counts r;
    double values[3];
    int kind;
    if (!ft__rouge_kind_of(type, &kind))
        return ft__fail(call->err, FT_ERR_ARGUMENT, "",
                        "rouge: the types are rouge1 to rouge9, rougeL and rougeLsum");
    if (!ft__rouge_count(v, kind, output, reference, &r)) return ft__fail_memory(call->err);
    if (r.too_long) return ft__metric_fail(call, "the texts are too long for %s", type.text);
    ft__rouge_measure(&r, values);
    ft__json_key(call->out, type.text);
    ft__json_begin(call->out, '{');
    for (int i = 0; i < 3; i++) ft__metric_number(call->out, ft__rouge_measures[i], values[i]);
    ft__json_end(call->out, '}');
    return FT_OK;
}

static ft_status ft__rouge_metric(const ft__metric_call *call) {
    static const ft__view all[] = {{"rouge1", 6}, {"rouge2", 6}, {"rougeL", 6}, {"rougeLsum", 9}};
    const ft__json *given = ft__json_get(call->params, "types");
    const ft__view *types = all;
    ft__view prediction, target, *names;
    size_t n = FT__COUNT(all);
    bool stem = false;
    ft__rouge v;
    ft__rouge_text output, reference;
    ft_status status = ft__metric_flag(call, "use_stemmer", &stem);
    if (!status && given) {
        status = ft__metric_read_texts(call, given, "types", &names, &n);
        if (!status) types = names;
    }
    if (!status) status = ft__metric_text(call, "prediction", &prediction);
    if (!status) status = ft__metric_text(call, "reference", &target);
    if (status) return status;
    ft__rouge_init(&v, stem, &call->arena->allocator);
    ft__rouge_text_init(&output, &call->arena->allocator);
    ft__rouge_text_init(&reference, &call->arena->allocator);
    ft__json_begin(call->out, '{');
    if (!ft__rouge_read(&v, prediction, &output) || !ft__rouge_read(&v, target, &reference))
        status = ft__fail_memory(call->err);
    for (size_t i = 0; i < n && !status; i++)
        status = ft__rouge_write(call, &v, types[i], &output, &reference);
    ft__json_end(call->out, '}');
    ft__rouge_text_free(&reference);
    ft__rouge_text_free(&output);
    ft__rouge_free(&v);
    return status;
}

/* ---- evaluators */

typedef struct ft__rouge_options {
    bool stem;
    int measure;
} ft__rouge_options;

static ft_status ft__rouge_prepare(ft_evaluator *e, ft_error *err) {
    ft__rouge_options *o = (ft__rouge_options *)ft__arena_alloc(&e->arena, 1, sizeof *o);
    if (!o) return ft__fail_memory(err);
    e->state = o;
    o->stem = ft__param_flag(e, "stemmer");
    return ft__param_choice(e, "measure", ft__rouge_measures, FT__COUNT(ft__rouge_measures),
                            &o->measure, err);
}

/* One reference; keeps the best score.  One with nothing to match is passed over.  False: out of
   memory. */
static bool ft__rouge_score_one(const ft_evaluator *e, const ft__rouge *v,
                                const ft__rouge_text *output, const ft__rouge_text *reference,
                                bool *any, ft_score *score) {
    const ft__rouge_options *o = (const ft__rouge_options *)e->state;
    ft__rouge_counts r;
    double values[3];
    if (!ft__rouge_count(v, e->kind->which, output, reference, &r)) return false;
    if (r.too_long)
        return ft__score_error(score, "the texts are too long for %s: %zu and %zu words",
                               e->kind->info.name, r.output, r.reference);
    if (!r.reference) return true;
    ft__rouge_measure(&r, values);
    if (!*any || values[o->measure] > score->value) {
        score->value = values[o->measure];
        ft__score_detail(score, "%zu matches, of %zu in the output and %zu expected", r.matches,
                         r.output, r.reference);
    }
    *any = true;
    return true;
}

static bool ft__rouge_score(const ft_evaluator *e, const ft_row *row, ft__view output_text,
                            ft_score *score) {
    const ft_allocator *a = &e->arena.allocator;
    ft__answers answers;
    ft__rouge v;
    ft__rouge_text output, reference;
    bool any = false;
    if (!ft__answers_find(&answers, row, score)) return true;
    ft__rouge_init(&v, ((const ft__rouge_options *)e->state)->stem, a);
    ft__rouge_text_init(&output, a);
    ft__rouge_text_init(&reference, a);
    bool ok = ft__rouge_read(&v, output_text, &output);
    for (const ft__json *value;
         ok && score->state == FT_SCORED && (value = ft__answers_next(&answers)) != NULL;)
        ok = ft__rouge_read(&v, ft__json_as_text(value), &reference) &&
             ft__rouge_score_one(e, &v, &output, &reference, &any, score);
    if (ok && score->state == FT_SCORED && !any)
        ft__score_error(score, e->kind->which > 1
                                   ? "the expected text has too few words of a-z and 0-9"
                                   : "the expected text has no words of a-z and 0-9");
    ft__rouge_text_free(&reference);
    ft__rouge_text_free(&output);
    ft__rouge_free(&v);
    return ok;
}

/* ---- rows of the registries */

#define FT__ROUGE_PARAMS "{\"stemmer\": false, \"measure\": \"fmeasure\", \"threshold\": 0.5}"

FT__PRIV const ft__evaluator_kind *ft__rouge_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"rouge1", "words in common with the expected text (ROUGE-1)", "expected",
          FT__ROUGE_PARAMS, 0, 1, true, 0.5, "rouge1|rouge_score-0.1.2|v1", FT_FROM_TEXT},
         1, ft__rouge_prepare, ft__rouge_score, NULL},
        {{"rouge2", "pairs of words in common with the expected text (ROUGE-2)", "expected",
          FT__ROUGE_PARAMS, 0, 1, true, 0.5, "rouge2|rouge_score-0.1.2|v1", FT_FROM_TEXT},
         2, ft__rouge_prepare, ft__rouge_score, NULL},
        {{"rougeL",
          "longest sequence of words in common with the expected text (ROUGE-L); takes time in the "
          "product of the lengths",
          "expected", FT__ROUGE_PARAMS, 0, 1, true, 0.5, "rougeL|rouge_score-0.1.2|v1",
          FT_FROM_TEXT},
         FT__ROUGE_L, ft__rouge_prepare, ft__rouge_score, NULL},
        {{"rougeLsum",
          "longest sequences of words in common with each line of the expected text (ROUGE-Lsum); "
          "takes time in the product of the lengths",
          "expected", FT__ROUGE_PARAMS, 0, 1, true, 0.5, "rougeLsum|rouge_score-0.1.2|v1",
          FT_FROM_TEXT},
         FT__ROUGE_LSUM, ft__rouge_prepare, ft__rouge_score, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}

FT__PRIV const ft__metric_kind *ft__rouge_metrics(size_t *n) {
    static const ft__metric_kind kinds[] = {{"rouge", 0, ft__rouge_metric}};
    *n = FT__COUNT(kinds);
    return kinds;
}

#undef FT__ROUGE_PARAMS
#undef FT__ROUGE_NO_TOKEN
#undef FT__ROUGE_MAX_TABLE
#undef FT__ROUGE_MAX_STEPS
