/* Is the output the expected text, does it contain it, begin or end with it, match a pattern, how
   far do the words agree.

   exact_match, contains, starts_with and ends_with compare characters as they are; with ignore_case
   after Python's str.lower().  quasi_exact_match compares in the normal form of SQuAD's script:
   lower case, no ASCII punctuation, no articles, single blanks.  squad_em and token_f1 are what the
   evaluation script of SQuAD 2.0 calls exact and f1:

       p = shared / words of the output, r = shared / words of the answer, f1 = 2 p r / (p + r)

   where shared words count as often as both texts have them, and the best answer counts.  By its
   rule for questions without an answer, answers that are empty in normal form do not count; where
   none is left, the right output is one that is empty in normal form, too.

   The metrics are those of SQuAD's evaluate-v2.0.py and of HELM's evaluate_reference_metrics.py
   (commit 63754d05).  Known limits: the normal form knows English articles and ASCII punctuation
   only, and Chinese or Japanese without blanks is one word. */
#include "eval.h"

enum { FT__MATCH_WHOLE, FT__MATCH_INSIDE, FT__MATCH_BEGIN, FT__MATCH_END };
enum { FT__MATCH_EXACT, FT__MATCH_F1 };

typedef struct ft__match {
    bool strip, ignore_case;
    bool all;             /* all of the texts must be there */
    const ft__json *text; /* a string or a list of strings, or NULL: the row's */
} ft__match;

/* ---- exact_match, contains, starts_with, ends_with */

/* The text as it is compared: perhaps stripped, perhaps in lower case, which then is in the buffer.
   False: out of memory. */
static bool ft__match_fold(const ft_evaluator *e, ft__view *v, ft__buf *low) {
    const ft__match *m = (const ft__match *)e->state;
    if (m->strip) *v = ft__text_strip(*v);
    if (!m->ignore_case || v->n == 0) return true;
    low->len = 0;
    ft__lower(v->text, v->n, low);
    v->text = low->data;
    v->n = low->len;
    return !low->failed;
}

/* An empty text is in every output; no row can mean that. */
static bool ft__match_answers_are_filled(const ft_evaluator *e, ft__answers answers,
                                         ft_score *score) {
    const ft__match *m = (const ft__match *)e->state;
    for (const ft__json *value; (value = ft__answers_next(&answers)) != NULL;) {
        ft__view text = ft__json_as_text(value);
        if ((m->strip ? ft__text_strip(text) : text).n == 0)
            return !ft__score_error(score, "the text to look for is empty");
    }
    return true;
}

static bool ft__match_begins(ft__view v, ft__view part) {
    return v.n >= part.n && memcmp(v.text, part.text, part.n) == 0;
}

static bool ft__match_ends(ft__view v, ft__view part) {
    return v.n >= part.n && memcmp(v.text + v.n - part.n, part.text, part.n) == 0;
}

/* Is the answer the output, or in it, at its place? */
static bool ft__match_compare(const ft_evaluator *e, ft__view output, ft__view answer,
                              bool *found) {
    ft__buf low;
    bool ok;
    ft__buf_init(&low, &e->arena.allocator);
    ok = ft__match_fold(e, &answer, &low);
    if (ok) {
        switch (e->kind->which) {
        case FT__MATCH_WHOLE:
            *found = ft__text_equal(output.text, output.n, answer.text, answer.n);
            break;
        case FT__MATCH_BEGIN: *found = ft__match_begins(output, answer); break;
        case FT__MATCH_END: *found = ft__match_ends(output, answer); break;
        default: ok = ft__text_contains(output, answer, &e->arena.allocator, found);
        }
    }
    ft__buf_free(&low);
    return ok;
}

static bool ft__match_score_texts(const ft_evaluator *e, const ft_row *row, ft__view output,
                                  ft_score *score) {
    static const char *const failed[] = {"expected", "does not contain", "does not begin with",
                                         "does not end with"};
    const ft__match *m = (const ft__match *)e->state;
    ft__answers answers;
    ft__view shown = {NULL, 0}; /* in the detail: the first answer, or the one that is missing */
    char excerpt[64];
    ft__buf low;
    bool found = m->all, ok;
    if (m->text && m->text->type == FT__JSON_ARRAY) ft__answers_set(&answers, NULL, m->text);
    else if (m->text) ft__answers_set(&answers, m->text, NULL);
    else if (!ft__answers_find(&answers, row, score)) return true;
    if (e->kind->which != FT__MATCH_WHOLE && !ft__match_answers_are_filled(e, answers, score))
        return true;
    ft__buf_init(&low, &e->arena.allocator);
    ok = ft__match_fold(e, &output, &low);
    for (const ft__json *value;
         ok && found == m->all && (value = ft__answers_next(&answers)) != NULL;) {
        ft__view answer = ft__json_as_text(value);
        if (!shown.text || m->all) shown = answer;
        ok = ft__match_compare(e, output, answer, &found);
    }
    ft__buf_free(&low);
    score->value = found;
    if (!ok || found) return ok;
    ft__score_detail(score, m->all || answers.n == 1 ? "%s \"%s\"" : "%s \"%s\" or %zu more",
                     failed[e->kind->which], ft__text_excerpt(shown, excerpt), answers.n - 1);
    return true;
}

/* The parameter "text": null, or one text or more to look for. */
static ft_status ft__match_read_text(const ft_evaluator *e, ft__match *m, ft_error *err) {
    const ft__json *text = ft__param(e, "text"), *each = text;
    if (!text || text->type == FT__JSON_NULL) return FT_OK;
    m->text = text;
    if (text->type == FT__JSON_ARRAY) each = text->child;
    while (each && each->type == FT__JSON_STRING && each->text_len) {
        each = each->next;
        if (text->type != FT__JSON_ARRAY || !each) return FT_OK;
    }
    return ft__param_bad(e, "text", "a text that is not empty, or a list of such", err);
}

/* Not each of the four has each of the parameters. */
static ft_status ft__match_prepare_texts(ft_evaluator *e, ft_error *err) {
    static const char *const modes[] = {"any", "all"};
    ft__match *m = (ft__match *)ft__arena_alloc(&e->arena, 1, sizeof *m);
    int mode = 0;
    ft_status status = FT_OK;
    if (!m) return ft__fail_memory(err);
    e->state = m;
    if (ft__param(e, "mode"))
        status = ft__param_choice(e, "mode", modes, FT__COUNT(modes), &mode, err);
    m->all = mode == 1;
    m->strip = ft__param(e, "strip") && ft__param_flag(e, "strip");
    m->ignore_case = ft__param_flag(e, "ignore_case");
    return status ? status : ft__match_read_text(e, m, err);
}

/* ---- regex */

static ft_status ft__match_prepare_regex(ft_evaluator *e, ft_error *err) {
    const ft__json *pattern = ft__param(e, "pattern");
    unsigned flags = 0;
    if (ft__param_flag(e, "ignore_case")) flags |= FT__REGEX_IGNORE_CASE;
    if (ft__param_flag(e, "full")) flags |= FT__REGEX_WHOLE;
    if (pattern->type == FT__JSON_NULL)
        return ft__fail(err, FT_ERR_ARGUMENT, "", "regex needs the parameter \"pattern\"");
    if (pattern->type != FT__JSON_STRING)
        return ft__param_bad(e, "pattern", "a string", err);
    ft__view v = ft__json_view(pattern);
    ft_error inner = {FT_OK, "", ""};
    ft__regex *regex = ft__regex_compile(v.text, v.n, flags, &e->arena.allocator, &inner);
    e->state = regex;
    return regex ? FT_OK : ft__fail(err, inner.code, "", "%s", inner.message);
}

static void ft__match_release_regex(ft_evaluator *e) { ft__regex_free((ft__regex *)e->state); }

static bool ft__match_score_regex(const ft_evaluator *e, const ft_row *row, ft__view output,
                                  ft_score *score) {
    const ft__regex *regex = (const ft__regex *)e->state;
    bool found = false;
    (void)row;
    if (ft__regex_search(regex, output.text, output.n, &found, NULL) != FT_OK) return false;
    score->value = found;
    if (!found) ft__score_detail(score, "no match");
    return true;
}

/* ---- SQuAD's scores, and the quasi-exact one of HELM */

static bool ft__match_same(const ft__buf *x, const ft__buf *y) {
    return ft__text_equal(x->data, x->len, y->data, y->len);
}

/* Both scores, each the best over the answers.  False: out of memory. */
static bool ft__match_squad(ft__view output, ft__answers answers, const ft_allocator *a,
                            double *exact, double *f1) {
    ft__squad got, answer;
    bool any = false, ok = ft__squad_read(&got, output, a);
    *exact = *f1 = 0;
    for (const ft__json *value; ok && (value = ft__answers_next(&answers)) != NULL;) {
        ok = ft__squad_read(&answer, ft__json_as_text(value), a);
        if (ok && answer.n_tokens) {
            double this_f1 = ft__squad_f1(&got, &answer);
            if (this_f1 > *f1) *f1 = this_f1;
            if (ft__match_same(&got.text, &answer.text)) *exact = 1;
            any = true;
        }
        ft__squad_free(&answer);
    }
    if (!any) *exact = *f1 = got.n_tokens == 0;
    ft__squad_free(&got);
    return ok;
}

static void ft__match_expected(ft__answers answers, ft_score *score) {
    char excerpt[64];
    const ft__json *first = ft__answers_next(&answers);
    ft__score_detail(score, answers.n == 1 ? "expected \"%s\"" : "expected \"%s\" or %zu more",
                     ft__text_excerpt(ft__json_as_text(first), excerpt), answers.n - 1);
}

static bool ft__match_score_squad(const ft_evaluator *e, const ft_row *row, ft__view output,
                                  ft_score *score) {
    ft__answers answers;
    double exact, f1;
    if (!ft__answers_find(&answers, row, score)) return true;
    if (!ft__match_squad(output, answers, &e->arena.allocator, &exact, &f1)) return false;
    score->value = e->kind->which == FT__MATCH_F1 ? f1 : exact;
    if (e->kind->which == FT__MATCH_EXACT && exact < 1) ft__match_expected(answers, score);
    return true;
}

/* As in HELM, an empty output is never right. */
static bool ft__match_score_quasi(const ft_evaluator *e, const ft_row *row, ft__view output,
                                  ft_score *score) {
    ft__answers answers;
    ft__buf got, answer;
    bool found = false, failed;
    if (!ft__answers_find(&answers, row, score)) return true;
    ft__answers left = answers;
    ft__buf_init(&got, &e->arena.allocator);
    ft__buf_init(&answer, &e->arena.allocator);
    ft__squad_normalize(output, &got);
    for (const ft__json *value; !found && (value = ft__answers_next(&left)) != NULL;) {
        answer.len = 0;
        ft__squad_normalize(ft__json_as_text(value), &answer);
        found = output.n && ft__match_same(&got, &answer);
    }
    failed = got.failed || answer.failed;
    ft__buf_free(&got);
    ft__buf_free(&answer);
    score->value = found;
    if (!found) ft__match_expected(answers, score);
    return !failed;
}

/* ---- metrics of SQuAD */

static ft_status ft__match_run_normalize(const ft__metric_call *call) {
    ft__view text;
    ft__buf normal;
    ft_status status = ft__metric_text(call, "text", &text);
    if (status) return status;
    ft__buf_init(&normal, &call->arena->allocator);
    ft__squad_normalize(text, &normal);
    if (normal.failed) return ft__fail_memory(call->err);
    const char *p = normal.data, *end = p + normal.len;
    ft__json_begin(call->out, '{');
    ft__json_key(call->out, "normalized");
    ft__json_string(call->out, p, normal.len);
    ft__json_key(call->out, "tokens");
    ft__json_begin(call->out, '[');
    for (ft__view word; ft__text_next_word(&p, end, &word);)
        ft__json_string(call->out, word.text, word.n);
    ft__json_end(call->out, ']');
    ft__json_end(call->out, '}');
    ft__buf_free(&normal);
    return FT_OK;
}

static ft_status ft__match_squad_json(const ft__metric_call *call, ft__view prediction,
                                      const ft__json *references, double *exact, double *f1) {
    ft__answers answers;
    ft__view *texts;
    size_t n;
    ft_status status = ft__metric_read_texts(call, references, "references", &texts, &n);
    if (status) return status;
    ft__answers_set(&answers, NULL, references);
    if (!ft__match_squad(prediction, answers, &call->arena->allocator, exact, f1))
        return ft__fail_memory(call->err);
    return FT_OK;
}

static ft_status ft__match_run_squad(const ft__metric_call *call) {
    ft__view prediction;
    double exact, f1;
    ft_status status = ft__metric_text(call, "prediction", &prediction);
    if (!status)
        status = ft__match_squad_json(call, prediction, ft__json_get(call->input, "references"),
                                      &exact, &f1);
    if (status) return status;
    ft__json_begin(call->out, '{');
    ft__metric_number(call->out, "exact", exact);
    ft__metric_number(call->out, "f1", f1);
    ft__json_end(call->out, '}');
    return FT_OK;
}

static ft_status ft__match_run_corpus(const ft__metric_call *call) {
    ft__view *predictions;
    const ft__json *references;
    size_t n;
    double exact_sum = 0, f1_sum = 0;
    ft_status status = ft__metric_texts(call, "predictions", &predictions, &n);
    if (!status) status = ft__metric_input(call, "references", FT__JSON_ARRAY, &references);
    if (status) return status;
    if (n == 0 || references->count != n)
        return ft__metric_fail(call, "%zu predictions for %zu lists of references", n,
                               references->count);
    references = references->child;
    for (size_t i = 0; i < n; i++, references = references->next) {
        double exact, f1;
        status = ft__match_squad_json(call, predictions[i], references, &exact, &f1);
        if (status) return status;
        exact_sum += exact;
        f1_sum += f1;
    }
    ft__json_begin(call->out, '{');
    ft__metric_number(call->out, "exact", 100 * exact_sum / (double)n);
    ft__metric_number(call->out, "f1", 100 * f1_sum / (double)n);
    ft__metric_number(call->out, "total", (double)n);
    ft__json_end(call->out, '}');
    return FT_OK;
}

/* ---- metrics of HELM: what is taken from a text, its normal form, and how two are compared */

enum {
    FT__MATCH_HELM_INDICATOR = 1, /* what follows the last indicator */
    FT__MATCH_HELM_NUMBER = 2,    /* the last number */
    FT__MATCH_HELM_QUASI = 4,     /* SQuAD's normal form; else stripped */
    FT__MATCH_HELM_ARTICLES = 8,  /* which keeps the articles */
    FT__MATCH_HELM_PREFIX = 16,   /* one may go on */
    FT__MATCH_HELM_F1 = 32        /* of the sets of words */
};

static ft__view ft__match_helm_after(ft__view v, ft__view mark) {
    size_t from = v.n;
    while (from && (from < mark.n || memcmp(v.text + from - mark.n, mark.text, mark.n) != 0))
        from--;
    v.text += from;
    v.n -= from;
    return ft__text_strip(v);
}

static bool ft__match_helm_is_digit(uint32_t c) {
    if (c < 0x80) return c >= '0' && c <= '9';
    return ft__char_class_of(c) == FT__UNICODE_ND;
}

/* Past digits, and commas if they count as such. */
static const char *ft__match_helm_digits(const char *p, const char *end, bool commas) {
    for (const char *q = p; q < end; p = q) {
        uint32_t c = ft__utf8_next(&q, end);
        if (!ft__match_helm_is_digit(c) && !(commas && c == ',')) break;
    }
    return p;
}

/* Where a match of -?[\d,]+(?:.\d+)? that begins here ends, or NULL.  HELM forgot to escape the
   point: any character but a line end may stand there. */
static const char *ft__match_helm_number_end(const char *p, const char *end) {
    if (*p == '-') p++;
    const char *stop = ft__match_helm_digits(p, end, true), *q = stop;
    if (stop == p) return NULL;
    if (q < end && *q != '\n') {
        ft__utf8_next(&q, end);
        const char *fraction = ft__match_helm_digits(q, end, false);
        if (fraction > q) return fraction;
    }
    return stop;
}

/* The last such number, without its commas. */
static void ft__match_helm_number(ft__view v, ft__buf *out) {
    const char *end = v.text + v.n, *from = end, *to = end;
    for (const char *p = v.text; p < end;) {
        const char *stop = ft__match_helm_number_end(p, end);
        if (stop) from = p, to = p = stop;
        else ft__utf8_next(&p, end);
    }
    for (; from < to; from++)
        if (*from != ',') ft__buf_byte(out, *from);
}

/* What is compared.  *empty: nothing was taken, before the normal form. */
static void ft__match_helm_form(int which, ft__view v, ft__view indicator, ft__buf *number,
                                ft__buf *out, bool *empty) {
    if (which & FT__MATCH_HELM_INDICATOR) v = ft__match_helm_after(v, indicator);
    if (which & FT__MATCH_HELM_NUMBER) {
        ft__match_helm_number(v, number);
        v = ft__buf_view(number);
    }
    *empty = v.n == 0;
    if (which & FT__MATCH_HELM_QUASI) {
        ft__squad_normalize_to(v, (which & FT__MATCH_HELM_ARTICLES) != 0, out);
    } else {
        v = ft__text_strip(v);
        ft__buf_add(out, v.text, v.n);
    }
}

static bool ft__match_helm_compare(int which, ft__squad *gold, ft__squad *got, double *value) {
    ft__view x = {got->text.data, got->text.len}, y = {gold->text.data, gold->text.len};
    if (got->text.failed || gold->text.failed) return false;
    if (which & FT__MATCH_HELM_PREFIX) *value = ft__match_begins(x, y);
    else *value = ft__text_equal(x.text, x.n, y.text, y.n);
    if (!(which & FT__MATCH_HELM_F1)) return true;
    if (!ft__squad_count(gold) || !ft__squad_count(got)) return false;
    double shared = (double)ft__squad_shared(gold, got, true);
    *value = shared > 0 ? 2 * shared / (double)(gold->words.n + got->words.n) : 0;
    return true;
}

static ft_status ft__match_run_helm(const ft__metric_call *call) {
    const ft__json *mark = ft__json_get(call->params, "indicator");
    ft__view prediction, reference, indicator = {"", 0};
    ft__squad got, gold;
    ft__buf numbers[2];
    bool no_gold, nothing, ok;
    double value = 0;
    ft_status status = ft__metric_text(call, "prediction", &prediction);
    if (!status) status = ft__metric_text(call, "reference", &reference);
    if (status) return status;
    if (mark && mark->type == FT__JSON_STRING) indicator = ft__json_view(mark);
    if ((call->which & FT__MATCH_HELM_INDICATOR) && indicator.n == 0)
        return ft__metric_fail(call, "parameter \"indicator\" must be a text");
    ft__squad_init(&got, &call->arena->allocator);
    ft__squad_init(&gold, &call->arena->allocator);
    for (int i = 0; i < 2; i++) ft__buf_init(&numbers[i], &call->arena->allocator);
    ft__match_helm_form(call->which, reference, indicator, &numbers[0], &gold.text, &no_gold);
    ft__match_helm_form(call->which, prediction, indicator, &numbers[1], &got.text, &nothing);
    ok = ft__match_helm_compare(call->which, &gold, &got, &value);
    ok = ok && !numbers[0].failed && !numbers[1].failed;
    ft__metric_number(call->out, NULL, nothing ? 0 : value);
    for (int i = 0; i < 2; i++) ft__buf_free(&numbers[i]);
    ft__squad_free(&gold);
    ft__squad_free(&got);
    return ok ? FT_OK : ft__fail_memory(call->err);
}

/* M. Chen et al., "Evaluating large language models trained on code", 2021: of n samples c are
   right; the chance that one of k drawn is. */
static ft_status ft__match_run_pass_at_k(const ft__metric_call *call) {
    const ft__json *n, *c;
    double k = 1, wrong = 1;
    ft_status status = ft__metric_param(call, "k", 1, 1e7, &k);
    if (!status) status = ft__metric_input(call, "n", FT__JSON_NUMBER, &n);
    if (!status) status = ft__metric_input(call, "c", FT__JSON_NUMBER, &c);
    if (status) return status;
    if (!ft__json_is_integer(n, 0, 1e7) || !ft__json_is_integer(c, 0, n->number))
        return ft__metric_fail(call, "\"n\" and \"c\" must be whole numbers, c at most n");
    if (n->number - c->number < k) wrong = 0;
    else
        for (double i = n->number - c->number + 1; i <= n->number; i++) wrong *= 1 - k / i;
    ft__metric_number(call->out, NULL, 1 - wrong);
    return FT_OK;
}

/* ---- rows of the registries */

FT__PRIV const ft__evaluator_kind *ft__match_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"exact_match", "the output is the expected text, or one of the references", "expected",
          "{\"strip\": true, \"ignore_case\": false, \"threshold\": 1}",
          0, 1, true, 1, "exact_match|v1", FT_FROM_TEXT},
         FT__MATCH_WHOLE, ft__match_prepare_texts, ft__match_score_texts, NULL},
        {{"quasi_exact_match",
          "the same but for case, punctuation, articles and white space (HELM)", "expected",
          "{\"threshold\": 1}",
          0, 1, true, 1, "quasi_exact_match|helm|v1", FT_FROM_TEXT},
         0, NULL, ft__match_score_quasi, NULL},
        {{"contains",
          "the output contains the expected text, one of the references, or the given text",
          "expected",
          "{\"text\": null, \"mode\": \"any\", \"ignore_case\": false, \"threshold\": 1}",
          0, 1, true, 1, "contains|v1", FT_FROM_TEXT},
         FT__MATCH_INSIDE, ft__match_prepare_texts, ft__match_score_texts, NULL},
        {{"starts_with",
          "the output begins with the expected text, one of the references, or the given text",
          "expected",
          "{\"text\": null, \"strip\": true, \"ignore_case\": false, \"threshold\": 1}",
          0, 1, true, 1, "starts_with|v1", FT_FROM_TEXT},
         FT__MATCH_BEGIN, ft__match_prepare_texts, ft__match_score_texts, NULL},
        {{"ends_with",
          "the output ends with the expected text, one of the references, or the given text",
          "expected",
          "{\"text\": null, \"strip\": true, \"ignore_case\": false, \"threshold\": 1}",
          0, 1, true, 1, "ends_with|v1", FT_FROM_TEXT},
         FT__MATCH_END, ft__match_prepare_texts, ft__match_score_texts, NULL},
        {{"regex", "the pattern matches somewhere in the output, or (full) all of it", "",
          "{\"pattern\": null, \"ignore_case\": false, \"full\": false, \"threshold\": 1}",
          0, 1, true, 1, "regex|python-linear|v1", FT_FROM_TEXT},
         0, ft__match_prepare_regex, ft__match_score_regex, ft__match_release_regex},
        {{"token_f1", "overlap in words with the expected text, as SQuAD 2.0 measures it",
          "expected", "{\"threshold\": 0.5}",
          0, 1, true, 0.5, "token_f1|squad-v2|v1", FT_FROM_TEXT},
         FT__MATCH_F1, NULL, ft__match_score_squad, NULL},
        {{"squad_em", "SQuAD 2.0's exact match; an empty answer asks for an empty output",
          "expected", "{\"threshold\": 1}",
          0, 1, true, 1, "squad_em|squad-v2|v1", FT_FROM_TEXT},
         FT__MATCH_EXACT, NULL, ft__match_score_squad, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}

FT__PRIV const ft__metric_kind *ft__match_metrics(size_t *n) {
    static const ft__metric_kind kinds[] = {
        {"squad_normalize", 0, ft__match_run_normalize},
        {"squad_em_f1", 0, ft__match_run_squad},
        {"squad_corpus", 0, ft__match_run_corpus},
        {"helm_exact_match", 0, ft__match_run_helm},
        {"helm_quasi_exact_match", FT__MATCH_HELM_QUASI, ft__match_run_helm},
        {"helm_quasi_leave_articles_exact_match", FT__MATCH_HELM_QUASI | FT__MATCH_HELM_ARTICLES,
         ft__match_run_helm},
        {"helm_prefix_exact_match", FT__MATCH_HELM_PREFIX, ft__match_run_helm},
        {"helm_quasi_prefix_exact_match", FT__MATCH_HELM_QUASI | FT__MATCH_HELM_PREFIX,
         ft__match_run_helm},
        {"helm_f1_score", FT__MATCH_HELM_QUASI | FT__MATCH_HELM_F1, ft__match_run_helm},
        {"helm_exact_match_indicator", FT__MATCH_HELM_INDICATOR, ft__match_run_helm},
        {"helm_final_number_exact_match", FT__MATCH_HELM_NUMBER, ft__match_run_helm},
        {"pass_at_k", 0, ft__match_run_pass_at_k},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
