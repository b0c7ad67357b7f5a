/* Is the output supported by the context?  Without a judge: by words, numbers, dates, names and
   negations, as facts.c finds them.  A text is cut into claims (ground_claims.c); each claim has a
   support between 0 and 1 in the context (ground_judge.c).

       groundedness         mean support, claims weighted by their words of content and hard facts;
                            0 for all of a sentence with a claim whose hard or polarity is 0
       faithfulness         share of supported claims
       hallucination_score  1 - (1 - share of hard facts not supported)
                              * (1 - share of sentences with a claim that is not); 0 is best
       factual_accuracy     2 P R / (P + R): R is the groundedness of the expected text in the
                            output, P that of the output in the expected text, words of the prompt
                            put aside; an expected text of less than four words of content is not
                            asked for P unless there is a prompt; of several references the best

   Others are in retrieval.c, relevancy.c and citations.c.

   Without a claim the scores are as bad as can be, except the hallucination_score of an answer that
   admits not to know.  Spans: "number", "date", "name", "id" for facts, "negation" and "sentence"
   for claims.

   Blind spots: who did what to whom, where the words are the same ("Ann beat Ben"); a paraphrase
   without common words, which counts as not supported; what follows from the context by arithmetic
   or inference; sense beyond negation ("may" and "must", irony); most pronouns; texts that are not
   English, whose negations and number words we do not know; a single word of description that was
   added or changed costs little.

   The idea of counting supported claims is that of FActScore (S. Min et al., 2023) and RAGAS (S. Es
   et al., 2023), who ask a model; formulas and word lists are ours. */
#include "ground.h"

/* ---- a text against evidence */

FT__PRIV void ft__ground_add(ft__ground *g, const ft__ground_scope *scope, const ft__facts *text,
                             size_t n, ft__view view, ft_score *score, ft__ground_sum *sum) {
    ft__ground_claims walk;
    ft__ground_claim claim;
    ft__ground_verdict v;
    const ft__facts_sentence *last = NULL;
    double support = 0; /* of the sentence so far */
    bool last_bad = false, last_wrong = false;
    ft__ground_claims_of(&walk, text, view);
    if (n < walk.end) walk.end = n;
    while (ft__ground_next(&walk, &claim)) {
        ft__ground_judge(g, scope, &walk, &claim, score, &v);
        if (v.weight <= 0) continue;
        bool supported = v.support >= FT__GROUND_ENOUGH;
        sum->weight += v.weight;
        sum->n_claims++;
        sum->n_supported += supported;
        sum->n_hard += v.n_hard;
        sum->n_bad += v.n_bad;
        if (claim.sentence != last) {
            sum->support += last_wrong ? 0 : support;
            support = 0;
            last_bad = last_wrong = false;
            sum->n_sentences++;
        }
        support += v.weight * v.support;
        last_wrong |= v.wrong;
        if (!supported && !last_bad) last_bad = true, sum->n_bad_sentences++;
        last = claim.sentence;
        if (v.what && !sum->what) {
            sum->what = v.what;
            sum->begin = v.begin;
            sum->end = v.end;
        }
    }
    sum->support += last_wrong ? 0 : support;
    for (size_t i = 0; i < text->n_sentences; i++)
        sum->admits |= ft__ground_admits(text, &text->sentences[i]);
    sum->blank = text->n_sentences == 0;
}

static double ft__ground_mean(const ft__ground_sum *sum) {
    return sum->weight > 0 ? sum->support / sum->weight : 0;
}

FT__PRIV double ft__ground_share(const ft__ground_sum *sum) {
    return sum->n_claims ? (double)sum->n_supported / (double)sum->n_claims : 0;
}

static double ft__ground_made_up(const ft__ground_sum *sum) {
    if (!sum->n_claims) return sum->admits ? 0 : 1;
    double facts = sum->n_hard ? (double)sum->n_bad / (double)sum->n_hard : 0;
    double sentences = (double)sum->n_bad_sentences / (double)sum->n_sentences;
    return 1 - (1 - facts) * (1 - sentences);
}

FT__PRIV void ft__ground_detail(const ft__ground_sum *sum, ft__view text, ft_score *score) {
    char excerpt[64];
    size_t n = sum->n_claims - sum->n_supported;
    if (!sum->n_claims) {
        ft__score_detail(score, "no claim");
        return;
    }
    if (!sum->what) return;
    ft__view part = {text.text + sum->begin, sum->end - sum->begin};
    ft__score_detail(score, "%zu of %zu claim%s not supported; %s \"%s\"", n, sum->n_claims,
                     sum->n_claims == 1 ? " is" : "s are", sum->what,
                     ft__text_excerpt(part, excerpt));
}

/* ---- groundedness, faithfulness, hallucination_score */

enum { FT__GROUND_MEAN, FT__GROUND_SHARE, FT__GROUND_MADE_UP };

static bool ft__ground_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                             ft_score *score) {
    ft__ground_work w;
    ft__ground_sum sum;
    ft__ground_range all;
    memset(&sum, 0, sizeof sum);
    ft__ground_begin(&w, e);
    if (!ft__ground_context(row, &w.g.text, score)) return ft__ground_end(&w, true);
    ft__facts_add(&w.text, output);
    bool ok = !w.words.failed && ft__ground_index(&w.g);
    if (ok) {
        ft__ground_scope scope = ft__ground_everywhere(&w.g, &all);
        ft__ground_add(&w.g, &scope, &w.text, SIZE_MAX, output, score, &sum);
        score->value = e->kind->which == FT__GROUND_MEAN    ? ft__ground_mean(&sum)
                       : e->kind->which == FT__GROUND_SHARE ? ft__ground_share(&sum)
                                                            : ft__ground_made_up(&sum);
        ft__ground_detail(&sum, output, score);
    }
    return ft__ground_end(&w, ok);
}

/* ---- factual_accuracy */

/* Output and answer, each judged by the other.  False: out of memory. */
static bool ft__ground_both_ways(const ft_evaluator *e, ft__view output, ft__view answer,
                                 ft__view prompt, ft_score *spans, ft__ground_sum *recall,
                                 ft__ground_sum *precision) {
    ft__ground_work w; /* the evidence is the answer with the prompt behind it */
    ft__ground by_output;
    ft__ground_range all;
    memset(&by_output, 0, sizeof by_output);
    memset(recall, 0, sizeof *recall);
    memset(precision, 0, sizeof *precision);
    ft__ground_begin(&w, e);
    ft__facts_init(&by_output.text, &w.words);
    ft__facts_add(&w.g.text, answer);
    size_t n = w.g.text.n_sentences;
    if (prompt.n) ft__facts_add(&w.g.text, prompt);
    ft__facts_add(&by_output.text, output);
    bool ok = !w.words.failed && ft__ground_index(&w.g) && ft__ground_index(&by_output);
    if (ok) {
        ft__ground_scope scope = ft__ground_everywhere(&by_output, &all);
        ft__ground_add(&by_output, &scope, &w.g.text, n, answer, NULL, recall);
        scope = ft__ground_everywhere(&w.g, &all);
        scope.given.from = all.to = n;
        scope.given.to = w.g.text.n_sentences;
        ft__ground_add(&w.g, &scope, &by_output.text, SIZE_MAX, output, spans, precision);
    }
    ft__ground_free(&by_output);
    return ft__ground_end(&w, ok);
}

static bool ft__ground_score_accuracy(const ft_evaluator *e, const ft_row *row, ft__view output,
                                      ft_score *score) {
    static const ft__view none = {"", 0};
    ft__view prompt = ft__json_as_text(ft__row_get(row, "prompt")), shown = none;
    ft__answers answers;
    ft__ground_sum best;
    double best_value = -1;
    bool blank = false;
    if (!ft__answers_find(&answers, row, score)) return true;
    if (!prompt.text) prompt = none;
    memset(&best, 0, sizeof best);
    for (const ft__json *value; (value = ft__answers_next(&answers)) != NULL;) {
        ft__ground_sum recall, precision;
        ft_score spans;
        ft__view answer = ft__json_as_text(value);
        memset(&spans, 0, sizeof spans);
        if (!ft__ground_both_ways(e, output, answer, prompt, &spans, &recall, &precision))
            return false;
        blank = precision.blank;
        if (!recall.n_claims) continue;
        double r = ft__ground_mean(&recall), p = ft__ground_mean(&precision), f = r;
        bool both = precision.n_claims && (prompt.n || recall.weight >= 4);
        if (both) f = r + p > 0 ? 2 * p * r / (p + r) : 0;
        if (f <= best_value) continue;
        best_value = f;
        best = both && precision.what ? precision : recall;
        shown = both && precision.what ? output : answer;
        score->n_spans = both ? spans.n_spans : 0;
        memcpy(score->spans, spans.spans, sizeof spans.spans);
    }
    if (best_value < 0)
        return ft__score_error(score, "the expected text states nothing that can be looked for");
    score->value = best_value;
    ft__ground_detail(&best, shown, score);
    if (blank) ft__score_detail(score, "no claim");
    return true;
}

/* ---- their state */

FT__PRIV ft_status ft__ground_prepare(ft_evaluator *e, ft_error *err) {
    e->state = ft__facts_lexicon_create(&e->arena.allocator);
    return e->state ? FT_OK : ft__fail_memory(err);
}

FT__PRIV void ft__ground_release(ft_evaluator *e) {
    ft__facts_lexicon_free((ft__facts_lexicon *)e->state);
}

/* ---- rows of the registry */

FT__PRIV const ft__evaluator_kind *ft__ground_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"groundedness",
          "how far the context supports the output's sentences, by words, numbers, dates, names "
          "and negations",
          "context", "{\"threshold\": 0.7}", 0, 1, true, 0.7, "groundedness|windows|v1",
          FT_FROM_TEXT},
         FT__GROUND_MEAN,
         ft__ground_prepare,
         ft__ground_score,
         ft__ground_release},
        {{"faithfulness", "share of the output's claims that the context supports", "context",
          "{\"threshold\": 0.8}", 0, 1, true, 0.8, "faithfulness|windows|v1", FT_FROM_TEXT},
         FT__GROUND_SHARE,
         ft__ground_prepare,
         ft__ground_score,
         ft__ground_release},
        {{"hallucination_score",
          "how much of the output is made up: its numbers, dates, names and sentences without "
          "support (lower is better)",
          "context", "{\"threshold\": 0.2}", 0, 1, false, 0.2, "hallucination_score|windows|v1",
          FT_FROM_TEXT},
         FT__GROUND_MADE_UP,
         ft__ground_prepare,
         ft__ground_score,
         ft__ground_release},
        {{"factual_accuracy",
          "do the output and the expected text state the same, by words, numbers, dates, names and "
          "negations",
          "expected", "{\"threshold\": 0.6}", 0, 1, true, 0.6, "factual_accuracy|windows|v1",
          FT_FROM_TEXT},
         0,
         ft__ground_prepare,
         ft__ground_score_accuracy,
         ft__ground_release},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
