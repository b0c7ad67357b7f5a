/* What a text states, piece by piece, in a form in which two texts can be compared.

   A text becomes sentences; a sentence becomes words and hard facts.  A word is known by its class:
   its Porter stem, or the row of the tables in which it stands, so that "bought" meets "purchases".
   Opposites share a row, and the word says on which side it stands.  Hard facts are numbers
   ("1,000", "one thousand", "5%", "$3.5m", "two weeks" = "14 days", "9 pm" = "21:00"), dates ("12
   March 2021" = "2021-03-12" = "03/12/2021") and ids ("A-1234", mail addresses, URLs).  Each has
   classes that it is evidence for and classes that support it: "30" is supported by "30 days", "30
   weeks" is not. Sentences are cut into clauses, which a negation turns round as a whole; the words
   right behind it are noted as what it is about.

   Known limits: the tables are English; elsewhere words meet only as they are, Chinese, Japanese
   and Thai in pairs of characters.  No coreference, no arithmetic, no parsing: a clause is what
   punctuation and the function words of the table make one.  "1.000" is one, "03/04/2021" any of
   its two days. */
#include "facts_read.h"

/* ---- clauses */

/* Does a new clause begin with item i? */
static bool ft__facts_clause_begins(ft__facts_reader *r, size_t i, bool has_verb) {
    const ft__facts_item *item = &r->items[i];
    if (i == 0) return false;
    if ((item->flags & FT__WORD_BREAK) || ft__facts_has(item, FT__WORD_CLAUSE)) return true;
    bool joins = ft__facts_has(item, FT__WORD_AND), comma = (item->flags & FT__WORD_COMMA) != 0;
    if (!joins && !comma) return false;
    size_t from = joins ? i + 1 : i;
    uint32_t opens = FT__WORD_VERB | FT__WORD_SUBJECT | FT__WORD_NOT;
    if (joins && ft__facts_has(ft__facts_at(r, from), opens)) return true;
    if (comma && ft__facts_has(ft__facts_at(r, from), FT__WORD_VERB)) return true;
    for (size_t k = from; k < r->n && k < from + (joins ? 3 : 2); k++)
        if (ft__facts_has(&r->items[k], joins ? FT__WORD_NOT : FT__WORD_ASKS)) return true;
    for (size_t k = from; has_verb && k < r->n && k < from + 5; k++) {
        if (k > from && (r->items[k].flags & (FT__WORD_PARTED | FT__WORD_AND))) break;
        if (ft__facts_has(&r->items[k], FT__WORD_VERB | FT__WORD_SUBJECT)) return true;
    }
    return false;
}

/* Does this item turn its clause round? */
static bool ft__facts_negates(ft__facts_reader *r, size_t i, bool already) {
    static const char *const only[] = {"only", "just", "merely", "solely", "necessarily"};
    static const char *const bounds[] = {"later", "more", "less", "fewer", "sooner", "longer"};
    const ft__facts_item *item = &r->items[i], *next = ft__facts_at(r, i + 1);
    if (!ft__facts_has(item, FT__WORD_NOT)) return false;
    if (ft__facts_is(r, item, "nor")) return !already;
    if (ft__facts_is_any(r, next, only, FT__COUNT(only))) return false;
    if (next && (next->flags & FT__WORD_COMMA) && i == 0) return false; /* "No, ..." */
    /* "no later than", "do not take more than" */
    for (size_t k = i + 1; k + 1 < r->n && k < i + 4; k++)
        if (ft__facts_is_any(r, &r->items[k], bounds, FT__COUNT(bounds)) &&
            ft__facts_is(r, &r->items[k + 1], "than"))
            return false;
    return true;
}

/* ---- sentences */

static uint64_t ft__facts_hash(uint64_t h, uint64_t value) {
    h = (h ^ value) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

static void ft__facts_neighbours(ft__facts *t, const ft__facts_sentence *s) {
    for (size_t i = s->fact; i < s->fact + s->n_facts; i++) {
        ft__fact *fact = &t->facts[i];
        size_t at = s->token, end = s->token + s->n_tokens;
        while (at < end && t->tokens[at].begin < fact->begin) at++;
        for (size_t k = at; k > s->token && at - k < 4; k--) {
            const ft__facts_token *token = &t->tokens[k - 1];
            if (token->flags & (FT__WORD_STOP | FT__WORD_QUIET)) continue;
            fact->before = token->class_id;
            break;
        }
        while (at < end && t->tokens[at].begin < fact->end) at++;
        for (size_t k = at; k < end && k - at < 3; k++) {
            const ft__facts_token *token = &t->tokens[k];
            if (token->flags & (FT__WORD_STOP | FT__WORD_QUIET)) continue;
            fact->after = token->class_id;
            break;
        }
    }
}

/* "World Health Organization" and "WHO" show the same. */
static void ft__facts_acronym(ft__facts_reader *r, const char *letters, size_t n, size_t begin,
                              size_t end) {
    char text[16] = "#A";
    ft__view key = {text, n + 2};
    for (size_t i = 0; i < n; i++) text[2 + i] = (char)(letters[i] | 0x20);
    ft__fact *fact = ft__facts_emit(r, FT__FACT_ID, begin, end, 0);
    if (!fact) return;
    fact->soft = true;
    fact->shows[0] = ft__facts_key(r->words, key);
}

static void ft__facts_acronyms(ft__facts_reader *r) {
    static const char *const small[] = {"of", "and", "the", "for"};
    char initials[8];
    size_t n = 0, begin = 0, end = 0;
    for (size_t i = 0; i <= r->n && !r->words->failed; i++) {
        const ft__facts_item *item = ft__facts_at(r, i);
        bool word = item && item->kind == FT__ITEM_WORD;
        bool upper = word && (item->flags & FT__WORD_UPPER) && !(item->flags & FT__WORD_NUMBER);
        bool goes_on = word && (item->flags & FT__WORD_CAPITAL) && !upper &&
                       ft__ascii_letter(r->base[item->begin]) &&
                       (!n || !(item->flags & FT__WORD_PARTED));
        if (word && n && ft__facts_is_any(r, item, small, FT__COUNT(small))) continue;
        if (!goes_on && n > 1) ft__facts_acronym(r, initials, n, begin, end);
        if (!goes_on) n = 0;
        if (goes_on && n < sizeof initials) {
            if (n == 0) begin = item->begin;
            end = item->end;
            initials[n++] = r->base[item->begin];
        }
        if (upper && item->end - item->begin <= sizeof initials)
            ft__facts_acronym(r, r->base + item->begin, item->end - item->begin, item->begin,
                              item->end);
    }
}

/* Words and facts of the items at hand, which are a sentence or a part of a long one. */
static void ft__facts_interpret(ft__facts_reader *r, ft__facts_sentence *s) {
    bool has_verb = false, negates = false;
    uint32_t clause = 0, filled = 0, denied = 0; /* words that the negation is about */
    for (size_t i = 0, used; i < r->n && !r->words->failed; i += used) {
        const ft__facts_item *item = &r->items[i];
        if (filled && ft__facts_clause_begins(r, i, has_verb) && clause < 63) {
            if (ft__facts_has(item, FT__WORD_UNTIL) && (s->negated >> clause & 1))
                s->unsure |= (uint64_t)1 << clause;
            clause++;
            filled = 0;
            has_verb = false;
            denied = 0;
        }
        filled++;
        used = ft__facts_read_date(r, i, clause);
        if (!used && item->kind != FT__ITEM_ID) used = ft__facts_read_number(r, i, clause);
        if (used || r->words->failed) continue;
        used = 1;
        if (item->kind == FT__ITEM_ID) {
            ft__fact *fact = ft__facts_emit(r, FT__FACT_ID, item->begin, item->end, clause);
            if (fact) fact->shows[0] = fact->accepts[0] = item->class_id;
            continue;
        }
        has_verb |= ft__facts_has(item, FT__WORD_VERB);
        negates = ft__facts_negates(r, i, (s->negated >> clause & 1) != 0);
        if (negates) s->negated ^= (uint64_t)1 << clause;
        s->refers |= ft__facts_has(item, FT__WORD_REFERS);
        bool content = !(item->flags & FT__WORD_STOP);
        ft__facts_emit_word(r, item, content && denied ? FT__WORD_DENIED : 0, clause);
        if (content && denied) denied--;
        if (negates)
            denied = ft__facts_is(r, item, "not") || ft__facts_is(r, item, "never") ? 1 : 2;
    }
    s->n_clauses = clause + 1;
}

FT__PRIV void ft__facts_flush(ft__facts_reader *r) {
    ft__facts *t = r->out;
    if (r->n == 0 || r->words->failed) {
        r->n = 0;
        return;
    }
    if (!ft__grow(&r->words->arena.allocator, (void **)&t->sentences, &t->cap_sentences,
                  t->n_sentences + 1, sizeof *t->sentences)) {
        r->words->failed = true;
        r->n = 0;
        return;
    }
    ft__facts_sentence *s = &t->sentences[t->n_sentences++];
    memset(s, 0, sizeof *s);
    s->begin = r->items[0].begin;
    s->end = r->items[r->n - 1].end;
    s->token = t->n_tokens;
    s->fact = t->n_facts;
    s->passage = t->n_passages;
    ft__facts_interpret(r, s);
    ft__facts_acronyms(r);
    s->n_tokens = t->n_tokens - s->token;
    s->n_facts = t->n_facts - s->fact;
    for (size_t i = s->token; i < t->n_tokens; i++)
        s->hash = ft__facts_hash(s->hash, t->tokens[i].word);
    for (size_t i = s->fact; i < t->n_facts; i++)
        s->hash =
            ft__facts_hash(s->hash, (uint64_t)t->facts[i].shows[0] << 32 | t->facts[i].shows[1]);
    ft__facts_neighbours(t, s);
    r->n = 0;
}

/* Past a bullet or the number of an item in a list, if there is one: "- ", "3. ", "b) ". */
static const char *ft__facts_bullet(const char *p, const char *end) {
    const char *q = p;
    if (q < end && (*q == '-' || *q == '*' || *q == '+'))
        return end - q > 1 && q[1] == ' ' ? q + 2 : p;
    while (q < end && q - p < 3 && ft__ascii_digit(*q)) q++;
    if (q == p && q < end && ft__ascii_letter(*q) && end - q > 1 && q[1] == ')') q++;
    if (q == p || end - q < 3 || (*q != '.' && *q != ')') || q[1] != ' ') return p;
    return q + 2;
}

FT__PRIV void ft__facts_init(ft__facts *t, ft__facts_words *words) {
    memset(t, 0, sizeof *t);
    t->words = words;
}

FT__PRIV void ft__facts_free(ft__facts *t) {
    const ft_allocator *a = &t->words->arena.allocator;
    ft__free(a, t->tokens);
    ft__free(a, t->facts);
    ft__free(a, t->sentences);
}

FT__PRIV void ft__facts_add(ft__facts *t, ft__view text) {
    ft__facts_reader r;
    ft__view sentence;
    const char *p = text.text, *end = p + text.n;
    r.out = t;
    r.words = t->words;
    r.base = text.text;
    while (p < end && !t->words->failed) {
        const char *line = p;
        while (line > text.text && (line[-1] == ' ' || line[-1] == '\t')) line--;
        if (line == text.text || line[-1] == '\n') p = ft__facts_bullet(p, end);
        if (!ft__text_next_sentence(&p, end, true, &sentence)) break;
        r.end = sentence.text + sentence.n;
        r.n = 0;
        r.marks = 0;
        r.currency = 0;
        r.first = true;
        r.asks = false;
        size_t from = t->n_sentences;
        for (const char *q = sentence.text; q < r.end && !t->words->failed;)
            q = ft__facts_read(&r, q);
        ft__facts_flush(&r);
        for (size_t i = from; i < t->n_sentences; i++) t->sentences[i].asks = r.asks;
    }
    t->n_passages++;
    t->failed |= t->words->failed;
}
