/* What a model finds likely, judged without generating: which of a row's choices it prefers, and how well it
   predicts the expected text.

   choice_accuracy is 1 if the right choice has the highest score; of equal ones the first wins.  The score
   of a choice, by "normalize": its log-prob ("none"), that by its tokens or by its bytes ("tokens",
   "bytes": the acc_norm of EleutherAI's lm-evaluation-harness), or less its log-prob after an empty prompt
   ("alone": A. Holtzman et al., "Surface form competition", 2021; the harness's acc_mutual_info).
   choice_probability and choice_brier take the softmax of these scores for probabilities; Brier's score is
   the sum over the choices of (p - 1 if right, else 0) squared, 0 to 2 (G. Brier, 1950).
   perplexity is exp of the mean negative log-prob of the expected text's tokens, bits_per_byte its negative
   log2-prob by its bytes, which can be compared between models with different vocabularies. */
#include "eval.h"

enum { FT__LIKELIHOOD_NONE, FT__LIKELIHOOD_TOKENS, FT__LIKELIHOOD_BYTES, FT__LIKELIHOOD_ALONE };
static const char *const ft__likelihood_norms[] = {"none", "tokens", "bytes", "alone"};

static ft_status ft__likelihood_prepare(ft_evaluator *e, ft_error *err) {
    int *norm = (int *)ft__arena_alloc(&e->arena, 1, sizeof *norm);
    if (!norm) return ft__fail_memory(err);
    e->state = norm;
    ft_status status = ft__param_choice(e, "normalize", ft__likelihood_norms,
                                        FT__COUNT(ft__likelihood_norms), norm, err);
    e->alone = !status && *norm == FT__LIKELIHOOD_ALONE;
    return status;
}

/* The index of the right choice: "answer" is the index, or the text of one. */
static bool ft__likelihood_answer(const ft_row *row, size_t *right, ft_score *score) {
    const ft__json *choices = ft__row_get(row, "choices"), *answer = ft__row_get(row, "answer");
    if (!choices || choices->type != FT__JSON_ARRAY || choices->count < 2)
        return !ft__score_error(score, "row has no \"choices\", a list of at least two texts");
    if (!answer) return !ft__score_error(score, "row has no \"answer\"");
    if (ft__json_is_integer(answer, 0, (double)choices->count - 1)) {
        *right = (size_t)answer->number;
        return true;
    }
    *right = 0;
    for (const ft__json *c = choices->child; c; c = c->next, ++*right)
        if (answer->type == FT__JSON_STRING && c->type == FT__JSON_STRING &&
            ft__text_equal(c->text, c->text_len, answer->text, answer->text_len))
            return true;
    return !ft__score_error(score, "\"answer\" must be one of the choices or its index, 0 to %d",
                            (int)choices->count - 1);
}

/* The score of one choice. */
static double ft__likelihood_of(const ft_evaluator *e, const ft_output *o, size_t i) {
    const ft_likelihood *l = &o->options[i];
    switch (*(const int *)e->state) {
    case FT__LIKELIHOOD_TOKENS: return l->logprob / (l->n_tokens ? l->n_tokens : 1);
    case FT__LIKELIHOOD_BYTES: return l->logprob / (l->n_bytes ? (double)l->n_bytes : 1);
    case FT__LIKELIHOOD_ALONE: return l->logprob - o->alone[i].logprob;
    default: return l->logprob;
    }
}

/* Whether the row's choices and the likelihoods belong together, and which is right. */
static bool ft__likelihood_check(const ft_evaluator *e, const ft_row *row, size_t *right,
                                 ft_score *score) {
    const ft_output *o = row->output;
    if (!ft__likelihood_answer(row, right, score)) return false;
    if ((size_t)o->n_options != ft__row_get(row, "choices")->count)
        return !ft__score_error(score, "%d likelihoods for %d choices", o->n_options,
                                (int)ft__row_get(row, "choices")->count);
    if (e->alone && !o->alone)
        return !ft__score_error(score, "the choices after an empty prompt were not given");
    for (int i = 0; i < o->n_options; i++)
        if (!ft__finite(ft__likelihood_of(e, o, (size_t)i)))
            return !ft__score_error(score, "the likelihood of choice %d is not a number", i);
    return true;
}

static size_t ft__likelihood_best(const ft_evaluator *e, const ft_output *o) {
    size_t best = 0;
    for (size_t i = 1; i < (size_t)o->n_options; i++)
        if (ft__likelihood_of(e, o, i) > ft__likelihood_of(e, o, best)) best = i;
    return best;
}

static bool ft__likelihood_score_accuracy(const ft_evaluator *e, const ft_row *row, ft__view output,
                                          ft_score *score) {
    size_t right, best;
    (void)output;
    if (!ft__likelihood_check(e, row, &right, score)) return true;
    best = ft__likelihood_best(e, row->output);
    score->value = best == right;
    if (best != right) ft__score_detail(score, "prefers choice %d to %d", (int)best, (int)right);
    return true;
}

/* which: 0 the probability of the right choice, 1 Brier's score */
static bool ft__likelihood_score_probability(const ft_evaluator *e, const ft_row *row,
                                             ft__view output, ft_score *score) {
    const ft_output *o = row->output;
    size_t right;
    double sum = 0, largest;
    (void)output;
    if (!ft__likelihood_check(e, row, &right, score)) return true;
    largest = ft__likelihood_of(e, o, ft__likelihood_best(e, o));
    for (size_t i = 0; i < (size_t)o->n_options; i++)
        sum += ft__exp(ft__likelihood_of(e, o, i) - largest);
    for (size_t i = 0; i < (size_t)o->n_options; i++) {
        double p = ft__exp(ft__likelihood_of(e, o, i) - largest) / sum, off = p - (i == right);
        if (e->kind->which) score->value += off * off;
        else if (i == right) score->value = p;
    }
    return true;
}

/* which: 0 perplexity, 1 bits per byte */
static bool ft__likelihood_score_expected(const ft_evaluator *e, const ft_row *row, ft__view output,
                                          ft_score *score) {
    ft__view expected;
    const ft_likelihood *l = row->output->options;
    (void)output;
    if (!ft__row_text(row, "expected", &expected, score)) return true;
    if (row->output->n_options != 1 || l->n_tokens < 1 || !ft__finite(l->logprob))
        return ft__score_error(score, "the expected text has no token to score");
    score->value = e->kind->which ? ft_bits_per_byte(l) : ft_perplexity(l);
    return true;
}

FT__PRIV const ft__evaluator_kind *ft__likelihood_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"choice_accuracy", "the model finds the right choice the most likely", "choices answer",
          "{\"normalize\": \"none\", \"threshold\": 1}",
          0, 1, true, 1, "choice_accuracy|loglikelihood|v1", FT_FROM_CHOICES},
         0, ft__likelihood_prepare, ft__likelihood_score_accuracy, NULL},
        {{"choice_probability", "the probability of the right choice among the choices",
          "choices answer", "{\"normalize\": \"none\", \"threshold\": 0.5}",
          0, 1, true, 0.5, "choice_probability|softmax|v1", FT_FROM_CHOICES},
         0, ft__likelihood_prepare, ft__likelihood_score_probability, NULL},
        {{"choice_brier", "how far the choices' probabilities are from the right answer (Brier)",
          "choices answer", "{\"normalize\": \"none\", \"threshold\": 0.5}",
          0, 2, false, 0.5, "choice_brier|softmax|v1", FT_FROM_CHOICES},
         1, ft__likelihood_prepare, ft__likelihood_score_probability, NULL},
        {{"perplexity", "how surprised the model is by each token of the expected text", "expected",
          "{\"threshold\": 20}",
          1, DBL_MAX, false, 20, "perplexity|tokens|v1", FT_FROM_EXPECTED},
         0, NULL, ft__likelihood_score_expected, NULL},
        {{"bits_per_byte", "how many bits the model needs for a byte of the expected text",
          "expected", "{\"threshold\": 1}",
          0, DBL_MAX, false, 1, "bits_per_byte|utf8|v1", FT_FROM_EXPECTED},
         1, NULL, ft__likelihood_score_expected, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
