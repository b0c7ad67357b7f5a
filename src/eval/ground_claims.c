/* Claims: sentences, cut at semicolons and before clauses where both sides have at least three
   words of content.  Questions, courtesies ("I hope this helps") and admissions ("I don't know")
   claim nothing.

   Names are told by their capital letters, except in German; at the beginning of a sentence by the
   words beside them and by common endings of nouns. */
#include "ground.h"

/* Does the sentence begin with these words? */
static bool ft__ground_begins(const ft__facts *t, const ft__facts_sentence *s, const char *phrase) {
    const char *p = phrase, *end = p + strlen(p);
    ft__view word;
    for (size_t i = 0; ft__text_next_word(&p, end, &word); i++) {
        if (i == s->n_tokens) return false;
        ft__view found = t->words->surfaces.texts[t->tokens[s->token + i].word];
        if (!ft__text_equal(found.text, found.n, word.text, word.n)) return false;
    }
    return true;
}

/* Beginnings of sentences; "don't", "can't" ... are "not". */
static const char *const ft__ground_courtesies[] = {
    "sure", "of course", "certainly", "absolutely", "here is", "here are", "here you",
    "let me know", "i hope", "hope this", "happy to", "i am happy", "glad to", "thank you",
    "thanks", "you are welcome", "you welcome", "please let me", "please feel free", "feel free",
    "great question", "good question", "if you have any", "hello", "hi", "dear", "best regards",
    "kind regards", "in summary", "is there anything",
};
static const char *const ft__ground_admissions[] = {
    "i not know", "i do not know", "i am not sure", "i not sure", "i am not certain",
    "i not certain", "i not have", "i do not have", "i cannot", "i can not", "i not find",
    "i could not", "i not", "i am unable", "i unable", "i am sorry", "i sorry", "sorry",
    "unfortunately i", "as an ai", "no idea", "no information", "there is no information",
    "there is not enough information", "not enough information", "the context not",
    "the context does not", "the provided context", "the given context", "the document not",
    "the document does not", "the documents not", "the documents do not", "the text not",
    "the text does not", "the passage not", "the passage does not", "based on the context i",
    "it is not clear", "it is unclear", "unknown", "n a", "nobody knows",
};

static bool ft__ground_begins_any(const ft__facts *t, const ft__facts_sentence *s,
                                  const char *const *phrases, size_t n) {
    if (s->n_tokens == 0) return false;
    char first = t->words->surfaces.texts[t->tokens[s->token].word].text[0];
    for (size_t i = 0; i < n; i++)
        if (phrases[i][0] == first && ft__ground_begins(t, s, phrases[i])) return true;
    return false;
}

FT__PRIV bool ft__ground_admits(const ft__facts *t, const ft__facts_sentence *s) {
    return ft__ground_begins_any(t, s, ft__ground_admissions, FT__COUNT(ft__ground_admissions));
}

/* Sentences that claim nothing. */
static bool ft__ground_is_talk(const ft__facts *t, const ft__facts_sentence *s) {
    if (s->asks) return true;
    for (size_t i = s->fact; i < s->fact + s->n_facts; i++)
        if (!t->facts[i].soft) return false;
    return ft__ground_admits(t, s) ||
           ft__ground_begins_any(t, s, ft__ground_courtesies, FT__COUNT(ft__ground_courtesies));
}

/* How much clauses from..to-1 claim. */
static double ft__ground_weigh(const ft__facts *t, const ft__facts_sentence *s, uint32_t from,
                               uint32_t to) {
    size_t n = 0;
    for (size_t i = s->token; i < s->token + s->n_tokens; i++)
        n += t->tokens[i].clause >= from && t->tokens[i].clause < to &&
             ft__ground_content(&t->tokens[i]);
    for (size_t i = s->fact; i < s->fact + s->n_facts; i++)
        n += t->facts[i].clause >= from && t->facts[i].clause < to && !t->facts[i].soft;
    return (double)n;
}

static void ft__ground_bounds(ft__ground_claim *c) {
    const ft__facts *t = c->text;
    const ft__facts_sentence *s = c->sentence;
    c->begin = SIZE_MAX;
    c->end = 0;
    for (size_t i = s->token; i < s->token + s->n_tokens; i++) {
        const ft__facts_token *token = &t->tokens[i];
        if (token->clause < c->from || token->clause >= c->to) continue;
        if (token->begin < c->begin) c->begin = token->begin;
        if (token->end > c->end) c->end = token->end;
    }
    for (size_t i = s->fact; i < s->fact + s->n_facts; i++) {
        const ft__fact *fact = &t->facts[i];
        if (fact->clause < c->from || fact->clause >= c->to) continue;
        if (fact->begin < c->begin) c->begin = fact->begin;
        if (fact->end > c->end) c->end = fact->end;
    }
    if (c->begin > c->end) c->begin = c->end = s->begin;
}

FT__PRIV bool ft__ground_next(ft__ground_claims *walk, ft__ground_claim *claim) {
    const ft__facts *t = walk->text;
    if (walk->clause == 0) {
        while (walk->next < walk->end && ft__ground_is_talk(t, &t->sentences[walk->next]))
            walk->next++;
        if (walk->next == walk->end) return false;
        walk->next++;
    }
    const ft__facts_sentence *s = &t->sentences[walk->next - 1];
    claim->text = t;
    claim->sentence = s;
    claim->from = walk->clause;
    claim->to = claim->from + 1;
    claim->weight = ft__ground_weigh(t, s, claim->from, claim->to);
    double rest = ft__ground_weigh(t, s, claim->to, s->n_clauses);
    while (claim->to < s->n_clauses && (claim->weight < 3 || rest < 3)) {
        double more = ft__ground_weigh(t, s, claim->to, claim->to + 1);
        claim->weight += more;
        rest -= more;
        claim->to++;
    }
    walk->clause = claim->to == s->n_clauses ? 0 : claim->to;
    ft__ground_bounds(claim);
    return true;
}

/* German writes all nouns with a capital letter. */
FT__PRIV void ft__ground_claims_of(ft__ground_claims *walk, const ft__facts *t, ft__view text) {
    size_t words = 0, capital = 0;
    memset(walk, 0, sizeof *walk);
    walk->text = t;
    walk->end = t->n_sentences;
    for (size_t i = 0; i < t->n_tokens && i < 2000; i++) {
        if (t->tokens[i].flags & (FT__WORD_STOP | FT__WORD_FIRST)) continue;
        words++;
        capital += (t->tokens[i].flags & FT__WORD_CAPITAL) != 0;
    }
    if (words < 4 || capital * 4 < words) return;
    const char *language = ft__language_guess(text);
    walk->plain = language && strcmp(language, "de") == 0;
}

/* ---- names */

static bool ft__ground_ends(ft__view v, const char *tail) {
    size_t n = strlen(tail);
    return v.n > n && memcmp(v.text + v.n - n, tail, n) == 0;
}

/* Is a word that begins a sentence a name?  Yes before another capital letter or a verb, unless it
   looks like a common noun ("Payment is", "Customers have"). */
static bool ft__ground_first_is_name(const ft__facts *t, const ft__facts_sentence *s, size_t at) {
    static const char *const nouns[] = {"ing",  "ed",   "tion", "sion", "ment", "ness", "ity",
                                        "ance", "ence", "ency", "ancy", "ship", "hood", "ism",
                                        "ery",  "ory",  "ous",  "ive",  "able", "ible", "less",
                                        "ogy",  "age",  "ure",  "al"};
    const ft__facts_token *token = &t->tokens[at], *next = token + 1;
    ft__view low = t->words->surfaces.texts[token->word];
    uint32_t known = t->words->words[token->word].flags;
    if ((known & FT__WORD_NAME) || ((known & FT__WORD_EXACT) && !(known & FT__WORD_KNOWN)))
        return true;
    if (at + 1 == s->token + s->n_tokens || (next->flags & (FT__WORD_COMMA | FT__WORD_BREAK)))
        return false;
    if ((next->flags & FT__WORD_CAPITAL) && !(next->flags & FT__WORD_STOP)) return true;
    if ((next->flags & FT__WORD_AND) && at + 2 < s->token + s->n_tokens &&
        (next[1].flags & FT__WORD_CAPITAL) && !(next[1].flags & FT__WORD_STOP))
        return true;
    for (size_t i = 0; i < FT__COUNT(nouns); i++)
        if (ft__ground_ends(low, nouns[i])) return false;
    ft__view after = t->words->surfaces.texts[next->word];
    bool verb = (next->flags & FT__WORD_VERB) || ft__ground_ends(after, "ed") ||
                (next->flags & FT__WORD_KNOWN && !(next->flags & (FT__WORD_STOP | FT__WORD_UNIT)));
    if (low.text[low.n - 1] != 's') return verb || ft__ground_ends(after, "s");
    return ft__text_equal(after.text, after.n, "is", 2) ||
           ft__text_equal(after.text, after.n, "was", 3) ||
           ft__text_equal(after.text, after.n, "has", 3);
}

FT__PRIV bool ft__ground_is_name(const ft__ground_claims *walk, const ft__facts_sentence *s,
                                 size_t at) {
    const ft__facts *t = walk->text;
    const ft__facts_token *token = &t->tokens[at];
    if (!(token->flags & FT__WORD_CAPITAL) || token->end - token->begin < 2 || walk->plain)
        return false;
    if (token->flags & (FT__WORD_STOP | FT__WORD_QUIET | FT__WORD_KNOWN)) return false;
    if (token->flags & FT__WORD_FIRST) return ft__ground_first_is_name(t, s, at);
    size_t words = 0, capital = 0; /* a headline? */
    for (size_t i = s->token; i < s->token + s->n_tokens; i++) {
        if (t->tokens[i].flags & FT__WORD_STOP) continue;
        words++;
        capital += (t->tokens[i].flags & FT__WORD_CAPITAL) != 0;
    }
    return capital < 4 || capital < words;
}
