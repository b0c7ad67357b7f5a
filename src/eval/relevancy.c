/* The evaluator "answer_relevancy": does the output speak about the question, and does it add
   anything?

       about   = share of the prompt's words of content that the output has, times 2, at most 1
       direct  = 1 for an output of at most 6 words of content if it has what the question asks for:
                 a number or date (how many, how much, when), a name (who, where), yes or no
                 ("is", "can" ...); for other questions 0.75
       new     = 1 if the output has a word or fact of content that the prompt does not have, or
                 yes or no, else 0
       score   = new * the greater one of about and direct; halved where a longer output lacks the
                 number or date that was asked for; 0 for an output that begins with an admission
                 not to know

   The prompt counts by its questions if it has any, or else as a whole.  Whether the answer is
   right is not its business.  Blind spot: answers in other words than the question. */
#include "ground.h"

typedef struct ft__relevancy_question {
    bool number, name, yes_no;
    size_t n; /* words of content */
} ft__relevancy_question;

static bool ft__relevancy_word_is(const ft__facts *t, size_t at, const char *word) {
    ft__view v = t->words->surfaces.texts[t->tokens[at].word];
    return ft__text_equal(v.text, v.n, word, strlen(word));
}

/* Notes what sentence `s` asks for, and its words in g->bits. */
static void ft__relevancy_ask(ft__ground *g, const ft__facts_sentence *s,
                              ft__relevancy_question *q) {
    static const char *const orders[] = {"tell",      "explain", "describe", "list",  "summarize",
                                         "summarise", "write",   "give",     "name",  "show",
                                         "provide",   "compare", "discuss",  "answer"};
    const ft__facts *t = &g->text;
    for (size_t i = s->token; i < s->token + s->n_tokens; i++) {
        const ft__facts_token *token = &t->tokens[i];
        bool order = false;
        for (size_t k = 0; k < FT__COUNT(orders) && i < s->token + 2; k++)
            order |= ft__relevancy_word_is(t, i, orders[k]);
        bool more = i + 1 < s->token + s->n_tokens;
        if (ft__relevancy_word_is(t, i, "when")) q->number = true;
        if (ft__relevancy_word_is(t, i, "how") && more &&
            (ft__relevancy_word_is(t, i + 1, "many") || ft__relevancy_word_is(t, i + 1, "much") ||
             ft__relevancy_word_is(t, i + 1, "long") || ft__relevancy_word_is(t, i + 1, "old")))
            q->number = true;
        if (ft__relevancy_word_is(t, i, "who") || ft__relevancy_word_is(t, i, "where"))
            q->name = true;
        if (i == s->token && (token->flags & FT__WORD_VERB) && s->asks) q->yes_no = true;
        if (order || !ft__ground_content(token) || g->bits[token->class_id]) continue;
        g->bits[token->class_id] = 1;
        q->n++;
    }
}

static void ft__relevancy_weigh(ft__ground *g, const ft__facts *t,
                                const ft__relevancy_question *q, ft_score *score) {
    size_t shared = 0, fresh = 0, words = 0;
    bool number = false, name = false, yes = false, admits = false;
    for (size_t i = 0; i < t->n_tokens; i++) {
        const ft__facts_token *token = &t->tokens[i];
        yes |= i == 0 && (ft__relevancy_word_is(t, i, "yes") || ft__relevancy_word_is(t, i, "no"));
        if (!ft__ground_content(token)) continue;
        words++;
        uint8_t *bit = &g->bits[token->class_id];
        if (*bit == 0) {
            fresh++;
            name |= (token->flags & FT__WORD_CAPITAL) != 0;
        } else if (*bit == 1) {
            shared++;
            *bit = 2;
        }
    }
    for (size_t i = 0; i < t->n_facts; i++) {
        const ft__fact *fact = &t->facts[i];
        if (fact->shows[0] != FT__FACTS_NONE &&
            ft__ground_in(g, fact->shows[0], 0, g->text.n_sentences))
            continue;
        number |= fact->kind != FT__FACT_ID;
        fresh += !fact->soft;
        words += !fact->soft;
    }
    if (t->n_sentences) admits = ft__ground_admits(t, &t->sentences[0]);
    double about = q->n ? 2 * (double)shared / (double)q->n : 1, direct = 0.75;
    if (about > 1) about = 1;
    bool lacks = q->number && !number;
    if (q->number || q->name || q->yes_no)
        direct = (q->number && number) || (q->name && name) || (q->yes_no && yes);
    if (words > 6) direct = 0;
    double value = direct > about ? direct : about;
    score->value = !fresh && !yes ? 0 : admits ? 0 : lacks ? value / 2 : value;
    if (!words && !yes) ft__score_detail(score, "no claim");
    else if (admits) ft__score_detail(score, "admits not to know");
    else if (!fresh && !yes) ft__score_detail(score, "says nothing that the prompt does not say");
    else if (lacks) ft__score_detail(score, "the question asks for a number or date");
    else if (score->value < 1)
        ft__score_detail(score, "has %zu of the %zu words of the question", shared, q->n);
}

static bool ft__relevancy_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                                ft_score *score) {
    ft__ground_work w;
    ft__relevancy_question q;
    ft__view prompt;
    if (!ft__row_text(row, "prompt", &prompt, score)) return true;
    memset(&q, 0, sizeof q);
    ft__ground_begin(&w, e);
    ft__facts_add(&w.g.text, prompt);
    ft__facts_add(&w.text, output);
    bool ok = !w.words.failed && ft__ground_index(&w.g), questions = false;
    const ft__facts *t = &w.g.text;
    for (size_t i = 0; ok && i < t->n_sentences; i++) questions |= t->sentences[i].asks;
    for (size_t i = 0; ok && i < t->n_sentences; i++)
        if (t->sentences[i].asks == questions) ft__relevancy_ask(&w.g, &t->sentences[i], &q);
    if (ok) ft__relevancy_weigh(&w.g, &w.text, &q, score);
    return ft__ground_end(&w, ok);
}

/* ---- rows of the registry */

FT__PRIV const ft__evaluator_kind *ft__relevancy_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"answer_relevancy",
          "the output speaks about the prompt's question and adds something to it; not whether it "
          "is right",
          "prompt", "{\"threshold\": 0.5}", 0, 1, true, 0.5, "answer_relevancy|words|v1",
          FT_FROM_TEXT},
         0,
         ft__ground_prepare,
         ft__relevancy_score,
         ft__ground_release},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
