/* The evaluator "citation_check": share of the output's citations that are right.

   Citations are "[2]", "[1, 3]", "[1-3]", "[id]" where a passage has that id, and "(source: id)" in
   either sort of brackets.  Numbers count from 1, unless a passage has the number for its id.  A
   citation stands behind what it is put to: the claims of its sentence since the citation before
   it, or those of the sentence before it; at the beginning of a line, what follows.  It is right if
   its passage exists, the passages cited together support each of the claims (as in ground.c), and
   it has at least 0.2 of the words of one of them.  The first 4,096 are looked at. */
#include "ground.h"

enum { FT__CITE_MAX = 4096 };
enum { FT__CITE_BRACKETS, FT__CITE_SOURCE };
static const char *const ft__cite_styles[] = {"brackets", "source"};

typedef struct ft__cite {
    size_t begin, end, passage; /* SIZE_MAX: there is no such passage */
    size_t from, to;            /* claims, which those that are cited together share */
} ft__cite;

typedef struct ft__cites {
    const ft__json *context;
    ft_allocator allocator;
    ft__cite *items;
    ft__ground_claim *claims;
    size_t n, cap, n_claims, cap_claims;
    bool failed;
} ft__cites;

static size_t ft__cite_passage(const ft__cites *c, ft__view entry) {
    bool list = c->context->type == FT__JSON_ARRAY;
    size_t index = 0, number = 0;
    for (const ft__json *p = list ? c->context->child : c->context; p;
         p = list ? p->next : NULL, index++) {
        ft__view id = ft__json_as_text(ft__json_get(p, "id"));
        if (id.text && ft__text_equal(id.text, id.n, entry.text, entry.n)) return index;
    }
    for (size_t i = 0; i < entry.n; i++) {
        if (entry.text[i] < '0' || entry.text[i] > '9' || entry.n > 6) return SIZE_MAX;
        number = 10 * number + (size_t)(entry.text[i] - '0');
    }
    return entry.n && number >= 1 && number <= index ? number - 1 : SIZE_MAX;
}

static void ft__cite_add(ft__cites *c, size_t begin, size_t end, size_t passage) {
    if (c->n == FT__CITE_MAX) return;
    if (!ft__grow(&c->allocator, (void **)&c->items, &c->cap, c->n + 1, sizeof *c->items)) {
        c->failed = true;
        return;
    }
    ft__cite *item = &c->items[c->n++];
    item->begin = begin;
    item->end = end;
    item->passage = passage;
    item->from = item->to = 0;
}

static bool ft__cite_is_number(ft__view v) {
    for (size_t i = 0; i < v.n; i++)
        if (v.text[i] < '0' || v.text[i] > '9') return false;
    return v.n > 0 && v.n <= 6;
}

/* One entry between commas: an id, a number, or two with a dash. */
static void ft__cite_entry(ft__cites *c, ft__view entry, bool named, size_t begin, size_t end) {
    size_t passage = ft__cite_passage(c, entry), dash = 0;
    if (passage != SIZE_MAX) {
        ft__cite_add(c, begin, end, passage);
        return;
    }
    while (dash < entry.n && entry.text[dash] >= '0' && entry.text[dash] <= '9') dash++;
    ft__view first = {entry.text, dash}, last = {entry.text + dash, entry.n - dash};
    size_t mark = last.n && *last.text == '-'                               ? 1
                  : last.n > 3 && memcmp(last.text, "\xE2\x80\x93", 3) == 0 ? 3
                                                                            : 0;
    last.text += mark;
    last.n -= mark;
    if (mark && ft__cite_is_number(first) && ft__cite_is_number(last)) {
        size_t a = ft__cite_passage(c, first), b = ft__cite_passage(c, last);
        if (a != SIZE_MAX && b != SIZE_MAX && a <= b && b - a < 20) {
            for (; a <= b; a++) ft__cite_add(c, begin, end, a);
            return;
        }
        named = true;
    }
    if (named || ft__cite_is_number(entry)) ft__cite_add(c, begin, end, SIZE_MAX);
}

static void ft__cite_find(ft__cites *c, ft__view output, int style) {
    for (size_t i = 0; i < output.n && !c->failed && c->n < FT__CITE_MAX; i++) {
        char close = output.text[i] == '[' ? ']' : output.text[i] == '(' ? ')' : 0;
        if (!close) continue;
        size_t stop = i + 1;
        while (stop < output.n && stop - i < 200 && output.text[stop] != close &&
               output.text[stop] != '\n')
            stop++;
        if (stop == output.n || output.text[stop] != close) continue;
        ft__view inside = {output.text + i + 1, stop - i - 1};
        size_t label = ft__facts_source(inside);
        bool link = close == ']' && stop + 1 < output.n && output.text[stop + 1] == '(';
        if (label ? style == FT__CITE_BRACKETS : close == ')' || link || style == FT__CITE_SOURCE)
            continue;
        for (size_t from = label, to; from <= inside.n; from = to + 1) {
            for (to = from; to < inside.n && inside.text[to] != ',' && inside.text[to] != ';';
                 to++) {}
            ft__view entry = {inside.text + from, to - from};
            entry = ft__text_strip(entry);
            if (entry.n) ft__cite_entry(c, entry, label > 0, i, stop + 1);
        }
    }
}

/* Which claims each one is put to. */
static void ft__cite_place(ft__cites *c, ft__view output) {
    size_t next = 0, done = 0; /* claims that begin before it; claims that have theirs */
    for (size_t i = 0; i < c->n; i++) {
        ft__cite *cite = &c->items[i], *before = i ? cite - 1 : NULL;
        while (next < c->n_claims && c->claims[next].begin < cite->begin) next++;
        size_t line = cite->begin;
        while (line && (output.text[line - 1] == ' ' || output.text[line - 1] == '\t')) line--;
        bool leads = line == 0 || output.text[line - 1] == '\n';
        if (leads && next < c->n_claims) {
            cite->from = next;
            cite->to = next + 1;
        } else if (next > done) {
            cite->to = next;
            cite->from = next - 1;
            while (cite->from > done &&
                   c->claims[cite->from - 1].sentence == c->claims[next - 1].sentence)
                cite->from--;
            done = next;
        } else if (before) {
            cite->from = before->from;
            cite->to = before->to;
        }
    }
}

/* The passages of citations first..last-1, each once, 64 at most. */
static ft__ground_scope ft__cite_scope(const ft__cites *c, const ft__ground *g, size_t first,
                                       size_t last, ft__ground_range ranges[64]) {
    ft__ground_scope scope;
    memset(&scope, 0, sizeof scope);
    scope.ranges = ranges;
    for (size_t i = first; i < last && scope.n < 64; i++) {
        size_t p = c->items[i].passage;
        bool known = p == SIZE_MAX || g->passages[p].to == 0;
        for (size_t k = 0; !known && k < scope.n; k++)
            known = ranges[k].from == g->passages[p].from;
        if (!known) ranges[scope.n++] = g->passages[p];
    }
    return scope;
}

static size_t ft__cite_judge(const ft__cites *c, ft__ground *g, const ft__ground_claims *walk,
                             ft_score *score) {
    ft__ground_range ranges[64];
    ft__ground_verdict v;
    size_t right = 0, last;
    for (size_t first = 0; first < c->n; first = last) {
        const ft__cite *group = &c->items[first];
        for (last = first + 1;
             last < c->n && c->items[last].from == group->from && c->items[last].to == group->to;)
            last++;
        ft__ground_scope scope = ft__cite_scope(c, g, first, last, ranges);
        bool supported = group->from < group->to;
        for (size_t k = group->from; k < group->to && supported; k++) {
            ft__ground_judge(g, &scope, walk, &c->claims[k], NULL, &v);
            supported = v.support >= FT__GROUND_ENOUGH;
        }
        for (size_t i = first; i < last; i++) {
            const ft__cite *cite = &c->items[i];
            double coverage = 0;
            scope = ft__cite_scope(c, g, i, i + 1, ranges);
            for (size_t k = cite->from; k < cite->to && supported && scope.n; k++) {
                ft__ground_judge(g, &scope, walk, &c->claims[k], NULL, &v);
                if (v.coverage > coverage) coverage = v.coverage;
            }
            if (coverage >= 0.2) right++;
            else
                ft__score_span(score, cite->begin, cite->end,
                               cite->passage == SIZE_MAX ? "unknown source" : "unsupported");
        }
    }
    return right;
}

/* The claims that have a citation; the others get a span. */
static size_t ft__cite_uncited(const ft__cites *c, ft_score *score) {
    size_t uncited = 0, i = 0;
    for (size_t k = 0; k < c->n_claims; k++) {
        while (i < c->n && c->items[i].to <= k) i++;
        if (i < c->n && c->items[i].from <= k) continue;
        uncited++;
        ft__score_span(score, c->claims[k].begin, c->claims[k].end, "no citation");
    }
    return uncited;
}

static bool ft__cite_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                           ft_score *score) {
    ft__ground_work w;
    ft__cites c;
    ft__ground_claims walk;
    ft__ground_claim claim;
    int style = -1;
    /* checked before */
    ft__param_choice(e, "style", ft__cite_styles, FT__COUNT(ft__cite_styles), &style, NULL);
    memset(&c, 0, sizeof c);
    ft__ground_begin(&w, e);
    if (!ft__ground_context(row, &w.g.text, score)) return ft__ground_end(&w, true);
    c.context = ft__row_get(row, "context");
    c.allocator = e->arena.allocator;
    ft__facts_add(&w.text, output);
    bool ok = !w.words.failed && ft__ground_index(&w.g);
    if (ok) {
        ft__ground_claims_of(&walk, &w.text, output);
        while (ok && ft__ground_next(&walk, &claim)) {
            if (claim.weight < 1) continue;
            ok = ft__grow(&c.allocator, (void **)&c.claims, &c.cap_claims, c.n_claims + 1,
                          sizeof claim);
            if (ok) c.claims[c.n_claims++] = claim;
        }
        if (ok) ft__cite_find(&c, output, style);
        ok = ok && !c.failed;
    }
    if (ok) {
        ft__cite_place(&c, output);
        size_t right = ft__cite_judge(&c, &w.g, &walk, score), n = c.n;
        if (ft__param_flag(e, "every_claim")) n += ft__cite_uncited(&c, score);
        score->value = n && c.n ? (double)right / (double)n : 0;
        if (!c.n) ft__score_detail(score, c.n_claims ? "no citation" : "no claim");
        else if (right < n)
            ft__score_detail(score, "%zu of %zu citations are wrong or missing", n - right, n);
    }
    ft__free(&c.allocator, c.items);
    ft__free(&c.allocator, c.claims);
    return ft__ground_end(&w, ok);
}

static ft_status ft__cite_prepare(ft_evaluator *e, ft_error *err) {
    int style;
    ft_status status = ft__ground_prepare(e, err);
    if (status != FT_OK) return status;
    return ft__param_choice(e, "style", ft__cite_styles, FT__COUNT(ft__cite_styles), &style, err);
}

/* ---- rows of the registry */

FT__PRIV const ft__evaluator_kind *ft__citations_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"citation_check",
          "share of the output's citations, as [1] or (source: id), whose passage exists and "
          "supports what they are put to",
          "context", "{\"style\": null, \"every_claim\": false, \"threshold\": 1}", 0, 1, true, 1,
          "citation_check|windows|v1", FT_FROM_TEXT},
         0,
         ft__cite_prepare,
         ft__cite_score,
         ft__ground_release},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
