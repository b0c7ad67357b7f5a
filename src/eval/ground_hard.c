/* The numbers, dates, ids and names of a claim: are they in the evidence, and do they belong there
   to what the claim says?  A number belongs to something else where another number of the same
   measure stands with more of the claim's words ("the basic plan costs $30" where it is the other
   plan that does), or beside the word that stands beside it in the claim; a name, where another
   name stands with more of them. */
#include "ground.h"

/* ---- whose is a fact? */

static bool ft__ground_accepts(const ft__fact *fact, const ft__fact *evidence) {
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++)
            if (fact->accepts[i] != FT__FACTS_NONE && fact->accepts[i] == evidence->shows[j])
                return true;
    return false;
}

static bool ft__ground_claimed(const ft__ground_case *c, const ft__fact *evidence) {
    const ft__facts_sentence *s = c->claim->sentence;
    for (size_t i = s->fact; i < s->fact + s->n_facts; i++)
        if (ft__ground_accepts(&c->claim->text->facts[i], evidence)) return true;
    return false;
}

/* Could the other fact of the evidence stand in the place of this one? */
static bool ft__ground_rivals(const ft__ground_case *c, const ft__fact *fact,
                              const ft__fact *other) {
    if (other->soft || other->kind != fact->kind || other->dim != fact->dim) return false;
    if (fact->kind == FT__FACT_NUMBER && fact->dim == FT__DIM_NONE &&
        (fact->after == FT__FACTS_NONE || fact->after != other->after))
        return false;
    return !ft__ground_accepts(fact, other) && !ft__ground_claimed(c, other);
}

/* Its sentences, and the words of the claim in each; at most FT__GROUND_RIVALS. */
typedef struct ft__ground_places {
    size_t sentences[FT__GROUND_RIVALS];
    uint64_t all;   /* words that any has */
    size_t n, most; /* number of words in the best */
    bool bare;      /* one has none */
} ft__ground_places;

static void ft__ground_add_places(const ft__ground_case *c, uint32_t class_id, uint64_t own,
                                  ft__ground_places *places) {
    const ft__ground *g = c->g;
    for (size_t r = 0; r < c->scope->n && class_id != FT__FACTS_NONE; r++)
        for (size_t at = ft__ground_find(g, class_id, c->scope->ranges[r].from);
             at < g->starts[class_id + 1] && g->posts[at] < c->scope->ranges[r].to &&
             places->n < FT__GROUND_RIVALS;
             at++) {
            size_t s = g->posts[at];
            uint64_t mask = g->masks[s];
            if (g->text.sentences[s].refers && s && ft__ground_same_passage(g, s, s - 1))
                mask |= g->masks[s - 1];
            mask &= ~own;
            places->sentences[places->n++] = s;
            places->all |= mask;
            places->bare |= mask == 0;
            if (ft__ground_count(mask) > places->most) places->most = ft__ground_count(mask);
        }
}

/* Has the sentence all words of the claim that stand with the fact, and more? */
static bool ft__ground_outdoes(const ft__ground_case *c, const ft__ground_places *places, size_t s,
                               uint64_t own) {
    uint64_t mask = c->g->masks[s] & ~own;
    size_t count = ft__ground_count(mask);
    return (mask & places->all) == places->all && count > places->most &&
           2 * count >= c->n - ft__ground_count(own);
}

/* Beside the fact, does the sentence have words that the claim does not? */
static bool ft__ground_estranged(const ft__ground_case *c, const ft__fact *fact, size_t s) {
    const ft__facts_sentence *sentence = &c->g->text.sentences[s];
    const uint8_t *bits = c->g->bits;
    for (size_t i = sentence->fact; i < sentence->fact + sentence->n_facts; i++) {
        const ft__fact *there = &c->g->text.facts[i];
        if (!ft__ground_accepts(fact, there)) continue;
        if (there->before != FT__FACTS_NONE ? bits[there->before] != 0
                                            : there->after == FT__FACTS_NONE)
            return false;
        if (there->after != FT__FACTS_NONE && bits[there->after]) return false;
    }
    return true;
}

/* "founded in 1990 and sold in 2005" for "founded in 2005": the word beside it in the claim is
   beside another one. */
static bool ft__ground_swapped(const ft__ground_case *c, const ft__fact *fact, size_t s) {
    const ft__facts_sentence *sentence = &c->g->text.sentences[s];
    for (size_t i = sentence->fact; i < sentence->fact + sentence->n_facts; i++) {
        const ft__fact *rival = &c->g->text.facts[i];
        bool beside = (fact->before != FT__FACTS_NONE && rival->before == fact->before) ||
                      (fact->after != FT__FACTS_NONE && rival->after == fact->after);
        if (beside && !rival->soft && rival->kind == fact->kind && rival->dim == fact->dim &&
            !ft__ground_claimed(c, rival))
            return true;
    }
    return false;
}

FT__PRIV uint64_t ft__ground_clause(const ft__ground_case *c, const ft__facts_sentence *s,
                                    uint32_t clause) {
    uint64_t mask = 0;
    for (size_t i = s->token; i < s->token + s->n_tokens; i++) {
        const ft__facts_token *token = &c->g->text.tokens[i];
        if (token->clause != clause || token->class_id == FT__FACTS_NONE) continue;
        uint8_t bit = c->g->bits[token->class_id];
        if (!bit) continue;
        uint64_t own = (uint64_t)1 << (bit - 1);
        if (((token->flags & FT__WORD_OPPOSITE) != 0) == ((c->opposite & own) != 0)) mask |= own;
    }
    return mask;
}

/* "became emperor in 1804 and was exiled in 1814" for "exiled in 1804": another clause of the
   sentence has a rival and all of the claim's words that stand with the fact, and more. */
static bool ft__ground_other_clause(const ft__ground_case *c, const ft__fact *fact, size_t at) {
    const ft__facts_sentence *s = &c->g->text.sentences[at];
    const ft__fact *facts = c->g->text.facts;
    uint64_t here = 0;
    if (s->n_clauses < 2) return false;
    for (size_t i = s->fact; i < s->fact + s->n_facts; i++)
        if (ft__ground_accepts(fact, &facts[i])) here |= ft__ground_clause(c, s, facts[i].clause);
    for (size_t i = s->fact; i < s->fact + s->n_facts; i++) {
        if (!ft__ground_rivals(c, fact, &facts[i])) continue;
        uint64_t there = ft__ground_clause(c, s, facts[i].clause);
        size_t count = ft__ground_count(there);
        if ((there & here) == here && there != here && count > 1 && 2 * count >= c->n) return true;
    }
    return false;
}

static bool ft__ground_elsewhere(const ft__ground_case *c, const ft__fact *fact) {
    const ft__ground *g = c->g;
    ft__ground_places places;
    size_t estranged = 0, looked = 0, other = 0;
    memset(&places, 0, sizeof places);
    for (int i = 0; i < 3; i++) ft__ground_add_places(c, fact->accepts[i], 0, &places);
    for (size_t i = 0; i < places.n; i++)
        other += ft__ground_other_clause(c, fact, places.sentences[i]);
    if (places.n && other == places.n) return true;
    for (size_t i = 0; i < places.n; i++)
        estranged += ft__ground_estranged(c, fact, places.sentences[i]);
    for (size_t i = 0; places.n && estranged == places.n && i < c->n_windows; i++)
        for (size_t k = c->windows[i].at; k < c->windows[i].at + c->windows[i].n; k++)
            if (ft__ground_swapped(c, fact, k)) return true;
    for (size_t i = 0; places.n && i < g->n_touched; i++) {
        const ft__facts_sentence *s = &g->text.sentences[g->touched[i]];
        if (!ft__ground_outdoes(c, &places, g->touched[i], 0)) continue;
        if (looked++ == FT__GROUND_RIVALS) break;
        for (size_t k = s->fact; k < s->fact + s->n_facts; k++)
            if (ft__ground_rivals(c, fact, &g->text.facts[k])) return true;
    }
    return false;
}

/* The same for a name whose words are `own`: another name does what it is said to do. */
static bool ft__ground_name_elsewhere(const ft__ground_case *c, uint32_t class_id, uint64_t own) {
    const ft__ground *g = c->g;
    ft__ground_places places;
    memset(&places, 0, sizeof places);
    ft__ground_add_places(c, class_id, own, &places);
    for (size_t i = 0; places.n && !places.bare && i < g->n_touched; i++) {
        size_t at = g->touched[i];
        const ft__facts_sentence *s = &g->text.sentences[at];
        if (s->refers || (g->masks[at] & own) || !ft__ground_outdoes(c, &places, at, own)) continue;
        for (size_t k = s->token; k < s->token + s->n_tokens; k++) {
            const ft__facts_token *token = &g->text.tokens[k];
            bool name = (token->flags & FT__WORD_CAPITAL) && ft__ground_content(token) &&
                        !(token->flags & FT__WORD_KNOWN) &&
                        (g->text.words->words[token->word].flags & FT__WORD_NAME);
            if (name && !g->bits[token->class_id]) return true;
        }
    }
    return false;
}

/* ---- the hard facts of a claim */

/* "about 300" where a window has 298 */
static bool ft__ground_about(const ft__ground_case *c, const ft__fact *fact) {
    for (size_t i = 0; i < c->n_windows; i++)
        for (size_t s = c->windows[i].at; s < c->windows[i].at + c->windows[i].n; s++) {
            const ft__facts_sentence *sentence = &c->g->text.sentences[s];
            for (size_t k = sentence->fact; k < sentence->fact + sentence->n_facts; k++) {
                const ft__fact *other = &c->g->text.facts[k];
                double ratio = fact->value != 0 ? other->value / fact->value : 0;
                if (other->kind == fact->kind && other->dim == fact->dim && ratio > 0.95 &&
                    ratio < 1.05)
                    return true;
            }
        }
    return false;
}

FT__PRIV void ft__ground_check_facts(ft__ground_case *c) {
    static const char *const kinds[] = {"number", "date", "id"};
    const ft__facts *t = c->claim->text;
    const ft__facts_sentence *s = c->claim->sentence;
    size_t bad_end = SIZE_MAX;
    for (size_t i = s->fact; i < s->fact + s->n_facts; i++) {
        const ft__fact *fact = &t->facts[i];
        bool found = false, near = false;
        if (fact->soft || !ft__ground_of_claim(c, fact->clause)) continue;
        c->n_hard++;
        c->n_facts++;
        for (int k = 0; k < 3; k++) {
            found = found || (fact->accepts[k] != FT__FACTS_NONE &&
                              ft__ground_in_scope(c->g, fact->accepts[k], c->scope));
            near = near || ft__ground_near(c, fact->accepts[k]);
        }
        if (!found && fact->about) found = near = ft__ground_about(c, fact);
        if (found && !ft__ground_elsewhere(c, fact)) {
            c->n_near += near;
            if (!near && c->hard > 0.9 && c->n_windows) c->hard = 0.9;
            continue;
        }
        c->hard = 0;
        c->n_bad++;
        bool same = fact->end == bad_end; /* the year of a date that is already bad */
        if (!same)
            ft__ground_bad(c, fact->dim == FT__DIM_YEAR ? "date" : kinds[fact->kind], fact->begin,
                           fact->end);
        bad_end = fact->end;
    }
}

/* Is a name known by its initials, or spelled out? */
static bool ft__ground_acronym(const ft__ground_case *c, size_t begin, size_t end) {
    const ft__facts *t = c->claim->text;
    const ft__facts_sentence *s = c->claim->sentence;
    for (size_t i = s->fact; i < s->fact + s->n_facts; i++) {
        const ft__fact *fact = &t->facts[i];
        if (fact->kind == FT__FACT_ID && fact->soft && fact->begin <= begin && fact->end >= end &&
            ft__ground_in_scope(c->g, fact->shows[0], c->scope))
            return true;
    }
    return false;
}

FT__PRIV void ft__ground_check_names(ft__ground_case *c) {
    const ft__facts *t = c->claim->text;
    const ft__facts_sentence *s = c->claim->sentence;
    size_t stop = s->token + s->n_tokens, next;
    for (size_t i = s->token; i < stop; i = next) {
        const ft__facts_token *first = &t->tokens[i];
        bool day = (first->flags & FT__WORD_DAY) != 0, missing = false;
        uint64_t own = 0;
        next = i + 1;
        if (!ft__ground_of_claim(c, first->clause) || (!day && !ft__ground_is_name(c->walk, s, i)))
            continue;
        while (
            !day && next < stop && !(t->tokens[next].flags & (FT__WORD_COMMA | FT__WORD_BREAK)) &&
            ft__ground_of_claim(c, t->tokens[next].clause) && ft__ground_is_name(c->walk, s, next))
            next++;
        c->n_hard++;
        for (size_t k = i; k < next; k++) {
            uint32_t id = t->tokens[k].class_id;
            missing = missing || (!ft__ground_in_scope(c->g, id, c->scope) &&
                                  !ft__ground_acronym(c, t->tokens[k].begin, t->tokens[k].end));
            if (c->g->bits[id]) own |= (uint64_t)1 << (c->g->bits[id] - 1);
        }
        if (!missing && !(own && ft__ground_name_elsewhere(c, t->tokens[next - 1].class_id, own)))
            continue;
        c->hard = 0;
        c->n_bad++;
        ft__ground_bad(c, day ? "date" : "name", first->begin, t->tokens[next - 1].end);
    }
}
