/* A claim against the evidence: it is compared with the window of the context, up to three
   sentences, that has most of its words.

       coverage c = its words of content and facts that the window has / all of them (each word
                    once), with more in the denominator where three of them or more in a row are
                    missing, or one stands in the place of another ("green blood" for "blue blood")
       soft       = (c - 0.2) / 0.65, between 0 and 1
       hard       = 0 if one of its numbers, dates, names or ids is not in the context, or belongs
                    to something else there; 0.9 if one stands away from the window; else 1
       polarity   = 0 if one of the two is negated, or says the opposite, and the other does not;
                    else 1
       support    = soft * hard * polarity

   A sentence that stands in the context as it is has support 1; a claim counts as supported from
   0.5 on. Where a claim's words stand in more than 2,048 sentences together, only the first of
   these are looked at, rare words first. */
#include "ground.h"

#define FT__GROUND_FLOOR  0.2 /* words that any two texts of one subject share */
#define FT__GROUND_SLOPE  0.65
#define FT__GROUND_BUDGET 2048 /* occurrences of a claim's words that are looked at */

/* ---- words */

FT__PRIV void ft__ground_bad(ft__ground_case *c, const char *what, size_t begin, size_t end) {
    if (c->score) ft__score_span(c->score, begin, end, what);
    if (!c->what) {
        c->what = what;
        c->begin = begin;
        c->end = end;
    }
}

static void ft__ground_collect(ft__ground_case *c) {
    const ft__facts *t = c->claim->text;
    const ft__facts_sentence *s = c->claim->sentence;
    for (size_t i = s->token; i < s->token + s->n_tokens; i++) {
        const ft__facts_token *token = &t->tokens[i];
        uint32_t id = token->class_id;
        if (!ft__ground_of_claim(c, token->clause) || !ft__ground_content(token)) continue;
        if (c->g->bits[id] || c->n == FT__FACTS_MAX ||
            ft__ground_in(c->g, id, c->scope->given.from, c->scope->given.to))
            continue;
        if (token->flags & FT__WORD_OPPOSITE) c->opposite |= (uint64_t)1 << c->n;
        c->classes[c->n++] = id;
        c->g->bits[id] = (uint8_t)c->n;
    }
}

/* Which sentences have which words, rare words first. */
static void ft__ground_gather(ft__ground_case *c) {
    ft__ground *g = c->g;
    size_t order[FT__FACTS_MAX], budget = FT__GROUND_BUDGET;
    for (size_t i = 0; i < c->n; i++) {
        size_t k = i, length = g->starts[c->classes[i] + 1] - g->starts[c->classes[i]];
        for (; k > 0; k--) {
            uint32_t other = c->classes[order[k - 1]];
            if (g->starts[other + 1] - g->starts[other] <= length) break;
            order[k] = order[k - 1];
        }
        order[k] = i;
    }
    for (size_t i = 0; i < c->n; i++)
        for (size_t r = 0; r < c->scope->n; r++) {
            uint32_t id = c->classes[order[i]];
            size_t at = ft__ground_find(g, id, c->scope->ranges[r].from);
            for (; at < g->starts[id + 1] && g->posts[at] < c->scope->ranges[r].to && budget;
                 at++) {
                uint32_t sentence = g->posts[at];
                if (!g->masks[sentence]) g->touched[g->n_touched++] = sentence;
                g->masks[sentence] |= (uint64_t)1 << order[i];
                budget--;
            }
        }
}

static void ft__ground_forget(ft__ground_case *c) {
    for (size_t i = 0; i < c->g->n_touched; i++) c->g->masks[c->g->touched[i]] = 0;
    for (size_t i = 0; i < c->n; i++) c->g->bits[c->classes[i]] = 0;
    c->g->n_touched = 0;
}

/* Windows with the most words; shorter ones first, three sentences only if the later ones refer to
   what is before them.  A question needs its answer. */
static void ft__ground_choose(ft__ground_case *c) {
    const ft__ground *g = c->g;
    const ft__facts_sentence *all = g->text.sentences;
    for (size_t n = 1; n <= 3; n++)
        for (size_t i = 0; i < g->n_touched; i++) {
            size_t s = g->touched[i];
            uint64_t mask = 0;
            if (n == 1 ? all[s].asks : !ft__ground_same_passage(g, s, s + n - 1)) continue;
            if (n == 3 && !all[s + 1].refers && !all[s + 2].refers) continue;
            for (size_t k = s; k < s + n; k++) mask |= g->masks[k];
            size_t count = ft__ground_count(mask);
            if (count < c->covered || count == 0) continue;
            if (count > c->covered) c->n_windows = 0;
            c->covered = count;
            if (c->n_windows == FT__GROUND_WINDOWS || (c->n_windows && c->windows[0].n < n))
                continue;
            c->windows[c->n_windows].at = s;
            c->windows[c->n_windows++].n = n;
        }
}

FT__PRIV bool ft__ground_near(const ft__ground_case *c, uint32_t class_id) {
    for (size_t i = 0; i < c->n_windows; i++) {
        const ft__ground_window *w = &c->windows[i];
        size_t from = w->at && ft__ground_same_passage(c->g, w->at, w->at - 1) ? w->at - 1 : w->at;
        size_t to = w->at + w->n + ft__ground_same_passage(c->g, w->at, w->at + w->n);
        if (ft__ground_in(c->g, class_id, from, to)) return true;
    }
    return false;
}

/* ---- the verdict */

/* Does a sentence of the evidence have the same words? */
static bool ft__ground_stands_there(const ft__ground *g, const ft__ground_scope *scope,
                                    uint64_t hash) {
    size_t low = 0, high = g->text.n_sentences;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (g->same[middle].hash < hash) low = middle + 1;
        else high = middle;
    }
    for (; low < g->text.n_sentences && g->same[low].hash == hash; low++)
        for (size_t i = 0; i < scope->n; i++)
            if (g->same[low].sentence >= scope->ranges[i].from &&
                g->same[low].sentence < scope->ranges[i].to)
                return true;
    return false;
}

/* The words of content beside token `at` of a sentence, within its clause: classes, or none. */
static uint32_t ft__ground_beside(const ft__facts *t, const ft__facts_sentence *s, size_t at,
                                  bool after, bool *adjacent) {
    *adjacent = true;
    for (size_t i = at; after ? ++i < s->token + s->n_tokens : i-- > s->token;) {
        const ft__facts_token *token = &t->tokens[i];
        if (token->clause != t->tokens[at].clause) break;
        if (ft__ground_content(token)) return token->class_id;
        *adjacent = false;
    }
    return FT__FACTS_NONE;
}

/* Is a word that the window does not have put in the place of another one, "green blood" for "blue
   blood", "convicted him on Friday" for "acquitted him on Friday"? */
static bool ft__ground_replaces(const ft__ground_case *c, size_t at) {
    const ft__facts *e = &c->g->text;
    bool near[2], there_near[2];
    uint32_t beside[2], there[2];
    for (int side = 0; side < 2; side++)
        beside[side] = ft__ground_beside(c->claim->text, c->claim->sentence, at, side, &near[side]);
    for (size_t k = c->windows[0].at; k < c->windows[0].at + c->windows[0].n; k++) {
        const ft__facts_sentence *s = &e->sentences[k];
        for (size_t i = s->token; i < s->token + s->n_tokens; i++) {
            if (!ft__ground_content(&e->tokens[i]) || c->g->bits[e->tokens[i].class_id]) continue;
            for (int side = 0; side < 2; side++) {
                there[side] = ft__ground_beside(e, s, i, side, &there_near[side]);
                if (there[side] == beside[side] && there[side] != FT__FACTS_NONE && near[side] &&
                    there_near[side])
                    return true;
            }
            if (there[0] == beside[0] && there[1] == beside[1] &&
                (there[0] != FT__FACTS_NONE || there[1] != FT__FACTS_NONE))
                return true;
        }
    }
    return false;
}

/* Facts count as words that the window has.  Where three words of content or more in a row are not
   there, something was probably added: they count more; so does a word in the place of another. */
static double ft__ground_coverage(const ft__ground_case *c) {
    const ft__facts *t = c->claim->text;
    const ft__facts_sentence *s = c->claim->sentence;
    uint64_t has = 0;
    size_t run = 0, longest = 0, replaced = 0;
    for (size_t k = 0; c->n_windows && k < c->windows[0].n; k++)
        has |= c->g->masks[c->windows[0].at + k];
    for (size_t i = s->token; i < s->token + s->n_tokens; i++) {
        const ft__facts_token *token = &t->tokens[i];
        if (!ft__ground_of_claim(c, token->clause) || !ft__ground_content(token)) continue;
        uint64_t own = ft__ground_own(c, token->class_id);
        if (!own) continue;
        run = has & own ? 0 : run + 1;
        if (run > longest) longest = run;
        if (run && c->n_windows) replaced += ft__ground_replaces(c, i);
    }
    size_t all = c->n + c->n_facts + (longest > 2 ? longest - 2 : 0) + replaced;
    return all ? (double)(c->covered + c->n_near) / (double)all : 1;
}

FT__PRIV void ft__ground_judge(ft__ground *g, const ft__ground_scope *scope,
                               const ft__ground_claims *walk, const ft__ground_claim *claim,
                               ft_score *score, ft__ground_verdict *v) {
    ft__ground_case c;
    memset(&c, 0, sizeof c);
    memset(v, 0, sizeof *v);
    v->weight = claim->weight;
    c.g = g;
    c.scope = scope;
    c.walk = walk;
    c.claim = claim;
    c.score = score;
    c.hard = 1;
    if (ft__ground_stands_there(g, scope, claim->sentence->hash)) {
        v->support = v->coverage = 1;
        v->n_hard = 1;
        if (claim->weight < 1) v->weight = 1;
        return;
    }
    if (claim->weight < 1) return;
    ft__ground_collect(&c);
    ft__ground_gather(&c);
    ft__ground_choose(&c);
    ft__ground_check_facts(&c);
    ft__ground_check_names(&c);
    if (c.n == 0 && c.n_hard == 0) v->weight = 0; /* all words were given */
    v->coverage = ft__ground_coverage(&c);
    double soft = (v->coverage - FT__GROUND_FLOOR) / FT__GROUND_SLOPE;
    soft = soft < 0 ? 0 : soft > 1 ? 1 : soft;
    if (c.n_bad == 0 && soft >= FT__GROUND_ENOUGH && !ft__ground_polarity(&c)) {
        soft = 0;
        v->wrong = true;
        ft__ground_bad(&c, "negation", claim->begin, claim->end);
    }
    v->wrong |= c.n_bad > 0;
    v->support = soft * c.hard;
    if (v->support < FT__GROUND_ENOUGH && !c.what && v->weight > 0)
        ft__ground_bad(&c, "sentence", claim->begin, claim->end);
    v->n_hard = c.n_hard;
    v->n_bad = c.n_bad;
    v->what = c.what;
    v->begin = c.begin;
    v->end = c.end;
    ft__ground_forget(&c);
}

#undef FT__GROUND_FLOOR
#undef FT__GROUND_SLOPE
#undef FT__GROUND_BUDGET
