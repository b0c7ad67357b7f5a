/* How many edits lie between the output and the text that was expected.

   A text is a sequence of symbols: code points (each invalid byte is one of its own), or words of
   Python's split().  With distance d of texts of n (output) and m (expected) symbols:

     edit_distance  d = insertions + deletions + replacements
     levenshtein    1 - d / max(n, m)                                    both empty: 1
     lcs            longest common subsequence / max(n, m)               both empty: 1
     jaro_winkler   Jaro 1989, Winkler 1990: up to 4 equal first characters count more, above 0.7
     fuzz_ratio     100 - 100 (insertions + deletions) / (n + m), or one of its three variations
     wer, cer       d / m over words, over characters                    m = 0: d > 0

   Definitions and numbers of all but the last row are RapidFuzz's (3.14.5).  No case folding, no
   normalisation of any kind unless asked for.  Of several references the best one counts.

   How they are worked out, edit_distance.c and edit_fuzz.c tell.  The time grows with n * m; a pair
   of more than FT__EDIT_MAX_CELLS cells (370,000 characters on both sides, 5 seconds) is an error.
   jaro_winkler takes linear time. */
#include "edit.h"

static double ft__edit_rate(size_t edits, size_t length) {
    return length ? (double)edits / (double)length : edits > 0;
}

static double ft__edit_similarity(size_t distance, size_t maximum) {
    return maximum ? 1 - (double)distance / (double)maximum : 1;
}

/* ---- metrics */

enum {
    FT__EDIT_DISTANCE, FT__EDIT_LEVENSHTEIN, FT__EDIT_INDEL, FT__EDIT_LCS, FT__EDIT_OSA,
    FT__EDIT_DAMERAU, FT__EDIT_HAMMING, FT__EDIT_JARO, FT__EDIT_JARO_WINKLER, FT__EDIT_FUZZ,
    FT__EDIT_WER, FT__EDIT_CER
};

/* A status with its words. */
static ft_status ft__edit_fail(const ft__metric_call *call, ft_status status) {
    if (status == FT_ERR_LIMIT) return ft__metric_fail(call, "the texts are too long");
    return status ? ft__fail_memory(call->err) : FT_OK;
}

static ft_status ft__edit_input(const ft__metric_call *call, ft__view *x, ft__view *y) {
    ft_status status = ft__metric_text(call, "prediction", x);
    return status ? status : ft__metric_text(call, "reference", y);
}

static ft_status ft__edit_input_chars(const ft__metric_call *call, ft__edit_text *x,
                                      ft__edit_text *y) {
    ft__view vx, vy;
    ft_status status = ft__edit_input(call, &vx, &vy);
    if (status) return status;
    return ft__edit_read(false, vx, vy, x, y, call->arena) ? FT_OK : ft__fail_memory(call->err);
}

static void ft__edit_field(const ft__metric_call *call, const char *key, double value) {
    ft__metric_number(call->out, key, value);
}

static ft_status ft__edit_report(const ft__metric_call *call, double distance, double maximum) {
    double share = maximum > 0 ? distance / maximum : 0;
    ft__json_begin(call->out, '{');
    ft__edit_field(call, "distance", distance);
    ft__edit_field(call, "similarity", maximum - distance);
    ft__edit_field(call, "normalized_distance", share);
    ft__edit_field(call, "normalized_similarity", 1 - share);
    ft__json_end(call->out, '}');
    return FT_OK;
}

static ft_status ft__edit_run_distance(const ft__metric_call *call) {
    ft__edit_text x, y;
    bool pad = true;
    size_t distance = 0;
    ft_status status = ft__edit_input_chars(call, &x, &y);
    size_t maximum = status ? 0 : ft__edit_longer(x, y);
    if (status) return status;
    switch (call->which) {
    case FT__EDIT_OSA:
    case FT__EDIT_DAMERAU:
        status = ft__edit_transposed(call->which == FT__EDIT_DAMERAU, x, y, call->arena, &distance);
        break;
    case FT__EDIT_HAMMING:
        status = ft__metric_flag(call, "pad", &pad);
        if (status) return status;
        if (!pad && x.n != y.n)
            return ft__metric_fail(call, "the texts have %zu and %zu characters", x.n, y.n);
        distance = ft__edit_hamming(x, y);
        break;
    default: status = ft__edit_between(true, x, y, call->arena, &distance); break;
    }
    if (status) return ft__edit_fail(call, status);
    if (call->which == FT__EDIT_INDEL) maximum = x.n + y.n;
    if (call->which == FT__EDIT_LCS) distance = maximum - (x.n + y.n - distance) / 2;
    return ft__edit_report(call, (double)distance, (double)maximum);
}

static ft_status ft__edit_read_weights(const ft__metric_call *call, ft__edit_weights *w) {
    const ft__json *list = ft__json_get(call->params, "weights"), *v;
    double *to[3];
    size_t n = 0;
    to[0] = &w->insert, to[1] = &w->erase, to[2] = &w->replace;
    *to[0] = *to[1] = *to[2] = 1;
    if (!list || list->type == FT__JSON_NULL) return FT_OK;
    for (v = list->child; v && n < 3 && ft__json_is_integer(v, 0, 1e6); v = v->next)
        *to[n++] = v->number;
    if (list->type == FT__JSON_ARRAY && n == 3 && !v) return FT_OK;
    return ft__fail(call->err, FT_ERR_ARGUMENT, "",
                    "%s: parameter \"weights\" must be three whole numbers", call->name);
}

/* Weights that all come to the unit distances go the fast way. */
static ft_status ft__edit_run_levenshtein(const ft__metric_call *call) {
    ft__edit_text x, y;
    ft__edit_weights w;
    size_t units;
    double distance;
    ft_status status = ft__edit_read_weights(call, &w);
    if (!status) status = ft__edit_input_chars(call, &x, &y);
    if (status) return status;
    double n = (double)x.n, m = (double)y.n, shared = n < m ? n : m;
    double all = n * w.erase + m * w.insert;
    double replaced = shared * w.replace + (n - shared) * w.erase + (m - shared) * w.insert;
    bool indel = w.replace >= w.insert + w.erase;
    if (w.insert == w.erase && (indel || w.replace == w.insert)) {
        status = ft__edit_between(indel, x, y, call->arena, &units);
        distance = status ? 0 : (double)units * w.insert;
    } else status = ft__edit_weighted(x, y, w, call->arena, &distance);
    if (status) return ft__edit_fail(call, status);
    return ft__edit_report(call, distance, all < replaced ? all : replaced);
}

static ft_status ft__edit_run_jaro(const ft__metric_call *call) {
    ft__edit_text x, y;
    double weight = 0.1, value;
    bool ok;
    ft_status status = ft__edit_input_chars(call, &x, &y);
    if (!status && call->which == FT__EDIT_JARO_WINKLER)
        status = ft__metric_param(call, "prefix_weight", 0, 0.25, &weight);
    if (status) return status;
    if (call->which == FT__EDIT_JARO) ok = ft__edit_jaro(x, y, call->arena, &value);
    else ok = ft__edit_jaro_winkler(x, y, weight, call->arena, &value);
    if (!ok) return ft__fail_memory(call->err);
    ft__edit_field(call, NULL, value);
    return FT_OK;
}

static ft_status ft__edit_run_fuzz(const ft__metric_call *call) {
    static const char *const keys[] = {"ratio", "partial_ratio", "token_sort_ratio",
                                       "token_set_ratio"};
    ft__view x, y;
    ft_status status = ft__edit_input(call, &x, &y);
    if (status) return status;
    ft__json_begin(call->out, '{');
    for (int mode = 0; mode < 4; mode++) {
        double value;
        status = ft__edit_fuzz(mode, x, y, call->arena, &value);
        if (status) return ft__edit_fail(call, status);
        ft__edit_field(call, keys[mode], value);
    }
    ft__json_end(call->out, '}');
    return FT_OK;
}

/* Both as if the other were not there: in "aa" and "aaa" they share characters. */
static ft_status ft__edit_run_prefix(const ft__metric_call *call) {
    ft__edit_text x, y;
    size_t prefix = 0, postfix = 0;
    ft_status status = ft__edit_input_chars(call, &x, &y);
    if (status) return status;
    size_t most = x.n < y.n ? x.n : y.n;
    while (prefix < most && x.symbols[prefix] == y.symbols[prefix]) prefix++;
    while (postfix < most && x.symbols[x.n - 1 - postfix] == y.symbols[y.n - 1 - postfix])
        postfix++;
    ft__json_begin(call->out, '{');
    ft__edit_field(call, "prefix", (double)prefix);
    ft__edit_field(call, "postfix", (double)postfix);
    ft__json_end(call->out, '}');
    return FT_OK;
}

static ft_status ft__edit_errors(bool words, ft__view output, ft__view expected, ft__arena *arena,
                                 size_t *edits, size_t *length) {
    ft__edit_text x, y;
    if (!ft__edit_read(words, output, expected, &x, &y, arena)) return FT_ERR_MEMORY;
    *length = y.n;
    return ft__edit_between(false, x, y, arena, edits);
}

static ft_status ft__edit_run_rate(const ft__metric_call *call) {
    ft__view x, y;
    size_t edits, length;
    ft_status status = ft__edit_input(call, &x, &y);
    if (status) return status;
    status = ft__edit_errors(call->which == FT__EDIT_WER, x, y, call->arena, &edits, &length);
    if (status) return ft__edit_fail(call, status);
    ft__json_begin(call->out, '{');
    ft__edit_field(call, "edits", (double)edits);
    ft__edit_field(call, "ref_len", (double)length);
    ft__edit_field(call, call->name, ft__edit_rate(edits, length));
    ft__json_end(call->out, '}');
    return FT_OK;
}

static ft_status ft__edit_run_corpus(const ft__metric_call *call) {
    static const char *const keys[2][3] = {{"char_edits", "char_ref_len", "cer"},
                                           {"edits", "ref_len", "wer"}};
    ft__view *x, *y;
    size_t n, m, edits[2] = {0, 0}, length[2] = {0, 0};
    ft_status status = ft__metric_texts(call, "predictions", &x, &n);
    if (!status) status = ft__metric_texts(call, "references", &y, &m);
    if (status) return status;
    if (n != m) return ft__metric_fail(call, "%zu predictions for %zu references", n, m);
    for (size_t i = 0; i < 2 * n; i++) {
        size_t one, its_length;
        status = ft__edit_errors(i % 2, x[i / 2], y[i / 2], call->arena, &one, &its_length);
        if (status) return ft__edit_fail(call, status);
        edits[i % 2] += one;
        length[i % 2] += its_length;
    }
    ft__json_begin(call->out, '{');
    for (int words = 1; words >= 0; words--) {
        ft__edit_field(call, keys[words][0], (double)edits[words]);
        ft__edit_field(call, keys[words][1], (double)length[words]);
        ft__edit_field(call, keys[words][2], ft__edit_rate(edits[words], length[words]));
    }
    ft__json_end(call->out, '}');
    return FT_OK;
}

FT__PRIV const ft__metric_kind *ft__edit_metrics(size_t *n) {
    static const ft__metric_kind kinds[] = {
        {"levenshtein", FT__EDIT_LEVENSHTEIN, ft__edit_run_levenshtein},
        {"indel", FT__EDIT_INDEL, ft__edit_run_distance},
        {"lcs_seq", FT__EDIT_LCS, ft__edit_run_distance},
        {"osa", FT__EDIT_OSA, ft__edit_run_distance},
        {"damerau_levenshtein", FT__EDIT_DAMERAU, ft__edit_run_distance},
        {"hamming", FT__EDIT_HAMMING, ft__edit_run_distance},
        {"jaro", FT__EDIT_JARO, ft__edit_run_jaro},
        {"jaro_winkler", FT__EDIT_JARO_WINKLER, ft__edit_run_jaro},
        {"fuzz", FT__EDIT_FUZZ, ft__edit_run_fuzz},
        {"common_prefix", 0, ft__edit_run_prefix},
        {"wer", FT__EDIT_WER, ft__edit_run_rate},
        {"cer", FT__EDIT_CER, ft__edit_run_rate},
        {"wer_corpus", FT__EDIT_WER, ft__edit_run_corpus},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}

/* ---- evaluators */

typedef struct ft__edit {
    bool ignore_case;
    double prefix_weight;
    int mode;
} ft__edit;

static ft_status ft__edit_prepare(ft_evaluator *e, ft_error *err) {
    static const char *const modes[] = FT__EDIT_MODES;
    ft__edit *s = (ft__edit *)ft__arena_alloc(&e->arena, 1, sizeof *s);
    if (!s) return ft__fail_memory(err);
    e->state = s;
    s->ignore_case = ft__param_flag(e, "ignore_case");
    if (e->kind->which == FT__EDIT_FUZZ)
        return ft__param_choice(e, "mode", modes, FT__COUNT(modes), &s->mode, err);
    if (e->kind->which == FT__EDIT_JARO_WINKLER)
        return ft__param_number(e, "prefix_weight", 0, 0.25, false, &s->prefix_weight, err);
    return FT_OK;
}

/* What one reference comes to. */
typedef struct ft__edit_result {
    double value;
    size_t edits, length;
} ft__edit_result;

static ft_status ft__edit_compare(const ft_evaluator *e, ft__view output, ft__view expected,
                                  ft__arena *arena, ft__edit_result *r) {
    const ft__edit *s = (const ft__edit *)e->state;
    ft__edit_text x, y;
    int which = e->kind->which;
    memset(r, 0, sizeof *r);
    if (which == FT__EDIT_FUZZ) {
        ft_status status = ft__edit_fuzz(s->mode, output, expected, arena, &r->value);
        bool same = ft__text_equal(output.text, output.n, expected.text, expected.n);
        if (same) r->value = 100; /* for texts without words "token_set" has 0 */
        return status;
    }
    if (!ft__edit_read(which == FT__EDIT_WER, output, expected, &x, &y, arena))
        return FT_ERR_MEMORY;
    r->length = y.n;
    if (which == FT__EDIT_JARO_WINKLER)
        return ft__edit_jaro_winkler(x, y, s->prefix_weight, arena, &r->value) ? FT_OK
                                                                               : FT_ERR_MEMORY;
    ft_status status = ft__edit_between(which == FT__EDIT_LCS, x, y, arena, &r->edits);
    size_t longer = ft__edit_longer(x, y);
    if (status) return status;
    if (which == FT__EDIT_LEVENSHTEIN) r->value = ft__edit_similarity(r->edits, longer);
    else if (which == FT__EDIT_LCS)
        r->value = ft__edit_similarity(longer - (x.n + y.n - r->edits) / 2, longer);
    else if (which == FT__EDIT_DISTANCE) r->value = (double)r->edits;
    else r->value = ft__edit_rate(r->edits, r->length);
    return FT_OK;
}

/* The same for texts in lower case, if that was asked for. */
static ft_status ft__edit_compare_folded(const ft_evaluator *e, ft__view output, ft__view expected,
                                         ft__edit_result *r) {
    const ft__edit *s = (const ft__edit *)e->state;
    ft_status status = FT_ERR_MEMORY;
    ft__view *views[2];
    ft__buf low[2];
    ft__arena arena;
    views[0] = &output, views[1] = &expected;
    ft__arena_init(&arena, &e->arena.allocator);
    for (int i = 0; i < 2; i++) {
        ft__buf_init(&low[i], &e->arena.allocator);
        if (!s->ignore_case || views[i]->n == 0) continue;
        ft__lower(views[i]->text, views[i]->n, &low[i]);
        views[i]->text = low[i].data;
        views[i]->n = low[i].len;
    }
    if (!low[0].failed && !low[1].failed) status = ft__edit_compare(e, output, expected, &arena, r);
    for (int i = 0; i < 2; i++) ft__buf_free(&low[i]);
    ft__arena_free(&arena);
    return status;
}

static bool ft__edit_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                           ft_score *score) {
    const char *unit = e->kind->which == FT__EDIT_WER ? "words" : "characters";
    ft__answers answers;
    ft__edit_result best, r;
    bool any = false;
    if (!ft__answers_find(&answers, row, score)) return true;
    memset(&best, 0, sizeof best);
    for (const ft__json *value; (value = ft__answers_next(&answers)) != NULL;) {
        ft__view expected = ft__json_as_text(value);
        ft_status status = ft__edit_compare_folded(e, output, expected, &r);
        if (status == FT_ERR_LIMIT)
            return ft__score_error(score, "%zu bytes against %zu are too long for %s", output.n,
                                   expected.n, e->kind->info.name);
        if (status) return false;
        if (!any || (e->kind->info.higher_is_better ? r.value > best.value : r.value < best.value))
            best = r;
        any = true;
    }
    score->value = best.value;
    if (best.edits)
        ft__score_detail(score, "%zu %s; expected %zu %s", best.edits,
                         e->kind->which == FT__EDIT_LCS ? "insertions and deletions" : "edits",
                         best.length, unit);
    return true;
}

FT__PRIV const ft__evaluator_kind *ft__edit_evaluators(size_t *n) {
    static const char plain_8[] = "{\"ignore_case\": false, \"threshold\": 0.8}";
    static const ft__evaluator_kind kinds[] = {
        {{"edit_distance", "Levenshtein distance from the expected text, in characters", "expected",
          "{\"ignore_case\": false, \"threshold\": 0}",
          0, DBL_MAX, false, 0, "edit_distance|levenshtein|v1", FT_FROM_TEXT},
         FT__EDIT_DISTANCE, ft__edit_prepare, ft__edit_score, NULL},
        {{"levenshtein",
          "1 - Levenshtein distance from the expected text / characters of the longer one",
          "expected", plain_8,
          0, 1, true, 0.8, "levenshtein|normalized-by-longer|v1", FT_FROM_TEXT},
         FT__EDIT_LEVENSHTEIN, ft__edit_prepare, ft__edit_score, NULL},
        {{"lcs", "longest common subsequence with the expected text / characters of the longer one",
          "expected", plain_8,
          0, 1, true, 0.8, "lcs|normalized-by-longer|v1", FT_FROM_TEXT},
         FT__EDIT_LCS, ft__edit_prepare, ft__edit_score, NULL},
        {{"jaro_winkler", "Jaro-Winkler similarity with the expected text", "expected",
          "{\"prefix_weight\": 0.1, \"ignore_case\": false, \"threshold\": 0.9}",
          0, 1, true, 0.9, "jaro_winkler|rapidfuzz|v1", FT_FROM_TEXT},
         FT__EDIT_JARO_WINKLER, ft__edit_prepare, ft__edit_score, NULL},
        {{"fuzz_ratio",
          "RapidFuzz's ratio, partial, token_sort or token_set ratio with the expected text",
          "expected", "{\"mode\": \"ratio\", \"ignore_case\": false, \"threshold\": 80}",
          0, 100, true, 80, "fuzz_ratio|rapidfuzz-3.14.5|v1", FT_FROM_TEXT},
         FT__EDIT_FUZZ, ft__edit_prepare, ft__edit_score, NULL},
        {{"wer", "word error rate: edits / words of the expected text", "expected",
          "{\"ignore_case\": false, \"threshold\": 0.2}",
          0, DBL_MAX, false, 0.2, "wer|whitespace-words|v1", FT_FROM_TEXT},
         FT__EDIT_WER, ft__edit_prepare, ft__edit_score, NULL},
        {{"cer", "character error rate: edits / characters of the expected text", "expected",
          "{\"ignore_case\": false, \"threshold\": 0.1}",
          0, DBL_MAX, false, 0.1, "cer|code-points|v1", FT_FROM_TEXT},
         FT__EDIT_CER, ft__edit_prepare, ft__edit_score, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
