/* Do claim and evidence agree in what they deny?  Words with an opposite decide where both have
   them ("rose", "fell"); else the negations of the clauses that have most of the claim's words.  Of
   several windows one that differs by opposites or denies outweighs others that agree because they
   do not have the word. */
#include "ground.h"

enum { FT__GROUND_UNKNOWN, FT__GROUND_AGREES, FT__GROUND_DIFFERS };

static bool ft__ground_bit(uint64_t bits, uint32_t clause) { return (bits >> clause & 1) != 0; }

/* On which side of its opposite does the window have the claim's token?  The clauses with most of
   the claim's other words decide. */
static int ft__ground_side(const ft__ground_case *c, const ft__facts_token *token,
                           const ft__ground_window *w) {
    const ft__facts *e = &c->g->text;
    const ft__facts_sentence *s = c->claim->sentence;
    uint64_t own = ft__ground_own(c, token->class_id);
    bool stop = (token->flags & FT__WORD_STOP) != 0,
         not_ = ft__ground_bit(s->negated, token->clause);
    bool denied = (token->flags & FT__WORD_DENIED) != 0;
    bool side = ((token->flags & FT__WORD_OPPOSITE) != 0) != denied;
    size_t best = 0;
    int result = FT__GROUND_UNKNOWN;
    for (size_t k = w->at; k < w->at + w->n; k++) {
        const ft__facts_sentence *other = &e->sentences[k];
        /* "fell" in a sentence about something else */
        if (!other->refers && c->n > 1 && !(c->g->masks[k] & ~own)) continue;
        for (size_t j = other->token; j < other->token + other->n_tokens; j++) {
            const ft__facts_token *o = &e->tokens[j];
            if (o->class_id != token->class_id) continue;
            size_t count = ft__ground_count(ft__ground_clause(c, other, o->clause) & ~own);
            bool unsure = ft__ground_bit(other->unsure, o->clause) ||
                          ft__ground_bit(s->unsure, token->clause);
            bool there_denied = (o->flags & FT__WORD_DENIED) != 0;
            bool there = ((o->flags & FT__WORD_OPPOSITE) != 0) != there_denied;
            bool there_not = ft__ground_bit(other->negated, o->clause);
            /* In a negated clause, but not what the negation is about: other words decide. */
            bool vague = !stop && (not_ != denied || there_not != there_denied);
            if (vague && there == side) continue;
            if (vague && not_ != there_not) unsure = true; /* "cost nothing" and "free" */
            if (result != FT__GROUND_UNKNOWN && count < best) continue;
            if (count > best) result = FT__GROUND_UNKNOWN;
            best = count;
            if (there == side || unsure) result = FT__GROUND_AGREES;
            else if (result == FT__GROUND_UNKNOWN) result = FT__GROUND_DIFFERS;
        }
    }
    return result;
}

/* Words with an opposite: do claim and window mean the same side? */
static int ft__ground_sides(const ft__ground_case *c, uint32_t clause, const ft__ground_window *w) {
    const ft__facts *t = c->claim->text;
    const ft__facts_sentence *s = c->claim->sentence;
    int result = FT__GROUND_UNKNOWN;
    for (size_t i = s->token; i < s->token + s->n_tokens; i++) {
        const ft__facts_token *token = &t->tokens[i];
        if (token->clause != clause || !(token->flags & FT__WORD_POLAR)) continue;
        bool both = false; /* "free of charge" */
        for (size_t k = s->token; k < s->token + s->n_tokens; k++)
            both |= t->tokens[k].clause == clause && t->tokens[k].class_id == token->class_id &&
                    ((t->tokens[k].flags ^ token->flags) & FT__WORD_OPPOSITE);
        int side = both ? FT__GROUND_UNKNOWN : ft__ground_side(c, token, w);
        if (side == FT__GROUND_DIFFERS) return side;
        if (side == FT__GROUND_AGREES && !(token->flags & FT__WORD_STOP)) result = side;
    }
    return result;
}

/* "prohibited" is as good as "not allowed", and as "not" with another verb. */
static bool ft__ground_forbids(const ft__facts_token *token) {
    return (token->flags & FT__WORD_FORBIDS) && (token->flags & FT__WORD_OPPOSITE);
}

/* The clause of the window that has most of the words of the claim's clause: is it negated, too? Of
   equals any will do.  A clause that makes an exception goes before all others. */
static int ft__ground_negations(const ft__ground_case *c, uint32_t clause,
                                const ft__ground_window *w) {
    const ft__facts *t = c->claim->text, *e = &c->g->text;
    const ft__facts_sentence *s = c->claim->sentence;
    uint64_t words = 0, all = 0;
    size_t best = 0;
    int result = FT__GROUND_UNKNOWN;
    bool negated = ft__ground_bit(s->negated, clause);
    for (size_t i = s->token; i < s->token + s->n_tokens; i++)
        if (t->tokens[i].clause == clause) words |= ft__ground_own(c, t->tokens[i].class_id);
    for (size_t i = s->token; i < s->token + s->n_tokens; i++)
        if (t->tokens[i].clause == clause && ft__ground_forbids(&t->tokens[i]) &&
            !ft__ground_near(c, t->tokens[i].class_id))
            negated = !negated;
    for (size_t k = w->at; k < w->at + w->n; k++) {
        const ft__facts_sentence *other = &e->sentences[k];
        size_t j = other->token, end = j + other->n_tokens;
        while (j < end) { /* clause by clause */
            uint32_t here = e->tokens[j].clause;
            uint64_t mask = 0;
            bool excepts = false, not_ = ft__ground_bit(other->negated, here);
            for (; j < end && e->tokens[j].clause == here; j++) {
                const ft__facts_token *o = &e->tokens[j];
                excepts |= (o->flags & FT__WORD_EXCEPT) != 0;
                mask |= ft__ground_own(c, o->class_id);
                if (ft__ground_forbids(o) && !c->g->bits[o->class_id]) not_ = !not_;
            }
            mask &= words;
            all |= mask;
            size_t count = ft__ground_count(mask);
            bool same = not_ == negated || ft__ground_bit(other->unsure, here) ||
                        ft__ground_bit(s->unsure, clause);
            if (excepts && count) count += FT__FACTS_MAX;
            if (count == 0 || count < best) continue;
            if (count > best) result = FT__GROUND_UNKNOWN;
            best = count;
            if (same) result = FT__GROUND_AGREES;
            else if (result == FT__GROUND_UNKNOWN) result = FT__GROUND_DIFFERS;
        }
    }
    return 2 * best >= ft__ground_count(all) ? result : FT__GROUND_UNKNOWN;
}

/* Is a word that the claim's clause affirms met with a negation wherever the window has it? */
static bool ft__ground_denied(const ft__ground_case *c, uint32_t clause,
                              const ft__ground_window *w) {
    const ft__facts *t = c->claim->text, *e = &c->g->text;
    const ft__facts_sentence *s = c->claim->sentence;
    if (ft__ground_bit(s->negated | s->unsure, clause)) return false;
    for (size_t i = s->token; i < s->token + s->n_tokens; i++) {
        const ft__facts_token *token = &t->tokens[i];
        size_t denied = 0, affirmed = 0;
        if (token->clause != clause || !ft__ground_content(token)) continue;
        for (size_t k = w->at; k < w->at + w->n; k++) {
            const ft__facts_sentence *other = &e->sentences[k];
            for (size_t j = other->token; j < other->token + other->n_tokens; j++) {
                const ft__facts_token *o = &e->tokens[j];
                if (o->class_id != token->class_id) continue;
                if ((o->flags & FT__WORD_DENIED) && !ft__ground_bit(other->unsure, o->clause))
                    denied++;
                else affirmed++;
            }
        }
        if (denied && !affirmed) return true;
    }
    return false;
}

/* Is a word that no window has met with a negation wherever it stands? */
static bool ft__ground_denied_elsewhere(const ft__ground_case *c) {
    const ft__ground *g = c->g;
    const ft__facts *t = c->claim->text;
    const ft__facts_sentence *s = c->claim->sentence;
    for (size_t i = s->token; i < s->token + s->n_tokens; i++) {
        const ft__facts_token *token = &t->tokens[i];
        size_t looked = 0, affirmed = 0;
        if (!ft__ground_of_claim(c, token->clause) || !ft__ground_content(token) ||
            ft__ground_bit(s->negated | s->unsure, token->clause) ||
            ft__ground_near(c, token->class_id))
            continue;
        for (size_t r = 0; r < c->scope->n; r++)
            for (size_t at = ft__ground_find(g, token->class_id, c->scope->ranges[r].from);
                 at < g->starts[token->class_id + 1] && g->posts[at] < c->scope->ranges[r].to &&
                 looked < FT__GROUND_RIVALS && !affirmed;
                 at++, looked++) {
                const ft__facts_sentence *other = &g->text.sentences[g->posts[at]];
                for (size_t j = other->token; j < other->token + other->n_tokens; j++)
                    affirmed += g->text.tokens[j].class_id == token->class_id &&
                                (!(g->text.tokens[j].flags & FT__WORD_DENIED) ||
                                 ft__ground_bit(other->unsure, g->text.tokens[j].clause));
            }
        if (looked && !affirmed) return true;
    }
    return false;
}

FT__PRIV bool ft__ground_polarity(const ft__ground_case *c) {
    bool agrees = c->n_windows == 0, differs = false, same_side = false;
    for (size_t i = 0; i < c->n_windows; i++) {
        bool fine = true;
        for (uint32_t clause = c->claim->from; clause < c->claim->to; clause++) {
            int sides = ft__ground_sides(c, clause, &c->windows[i]);
            bool against =
                sides == FT__GROUND_DIFFERS ||
                (sides == FT__GROUND_UNKNOWN && ft__ground_denied(c, clause, &c->windows[i]));
            differs |= against;
            same_side |= sides == FT__GROUND_AGREES;
            fine = fine && !against &&
                   (sides != FT__GROUND_UNKNOWN ||
                    ft__ground_negations(c, clause, &c->windows[i]) != FT__GROUND_DIFFERS);
        }
        agrees |= fine;
    }
    return agrees && (!differs || same_side) && !ft__ground_denied_elsewhere(c);
}
