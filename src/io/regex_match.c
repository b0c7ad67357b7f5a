/* Regular expressions at work: searching and finding, in time linear in the text.

   Two machines run the program of regex.c.  The threads follow all states at once, in the order in
   which a backtracking matcher would try them, each with the places that its groups saved (R.
   Pike's way; R. Cox, "Regular Expression Matching: the Virtual Machine Approach", 2009): they know
   which match is the one that Python finds.  The automaton forgets order and groups, so that its
   states are sets, and keeps in a table where each set leads (K. Thompson, "Regular expression
   search algorithm", 1968, with the table made on the way): it knows fast whether there is a match,
   and a place before which none begins.  So a search is the automaton's, and finding asks it first.

   The table belongs to one call.  When it is full it is thrown away; where that happens too often
   to be of use, the threads go on alone.  Short texts are theirs anyway. */
#include "regex.h"

enum {
    FT__REGEX_SHORT = 128,         /* bytes: below that threads are faster */
    FT__REGEX_MAX_TABLE = 1 << 18, /* entries of the table: 1 MB */
    FT__REGEX_MAX_SETS = 1 << 21   /* members of all sets: 4 MB */
};

typedef enum ft__regex_result {
    FT__REGEX_NO, FT__REGEX_YES, FT__REGEX_UNDECIDED, FT__REGEX_NO_MEMORY
} ft__regex_result;

/* ---- the text */

/* The character before `at`. */
static uint32_t ft__regex_before(ft__view t, size_t at) {
    const char *end = t.text + at, *p;
    if (at == 0) return FT__REGEX_NO_CHAR;
    if (!(end[-1] & 0x80)) return (unsigned char)end[-1];
    for (size_t back = 2; back <= 4 && back <= at; back++) {
        p = end - back;
        uint32_t c = ft__utf8_next(&p, end);
        if (p == end) return c;
    }
    return FT__BAD_UTF8;
}

static uint32_t ft__regex_next_char(const char **p, const char *end) {
    if (!(**p & 0x80)) return (unsigned char)*(*p)++;
    return ft__utf8_next(p, end);
}

/* Where a match may begin, at `p` or later; NULL: nowhere. */
static const char *ft__regex_skip_text(const ft__regex *r, const char *p, const char *end) {
    if (r->anchored) return p;
    if (!r->n_prefix) {
        while (p < end && !(*p & 0x80) && r->skips[(unsigned char)*p]) p++;
        return p;
    }
    while ((size_t)(end - p) >= r->n_prefix) {
        p = (const char *)memchr(p, r->prefix[0], (size_t)(end - p) - r->n_prefix + 1);
        if (!p || memcmp(p, r->prefix, r->n_prefix) == 0) return p;
        p++;
    }
    return NULL;
}

static bool ft__regex_holds(uint32_t place, uint32_t before, uint32_t after, bool last) {
    const uint32_t none = FT__REGEX_NO_CHAR;
    switch ((ft__regex_place)place) {
    case FT__REGEX_BEGIN_TEXT: return before == none;
    case FT__REGEX_END_TEXT: return after == none;
    case FT__REGEX_BEGIN_LINE: return before == none || before == '\n';
    case FT__REGEX_END_LINE: return after == none || after == '\n';
    case FT__REGEX_LAST_LINE_END: return after == none || (after == '\n' && last);
    case FT__REGEX_WORD_EDGE: return ft__is_word(before) != ft__is_word(after);
    case FT__REGEX_NO_WORD_EDGE: return ft__is_word(before) == ft__is_word(after);
    case FT__REGEX_ASCII_EDGE:
        return ft__regex_is_ascii_word(before) != ft__regex_is_ascii_word(after);
    case FT__REGEX_NO_ASCII_EDGE:
        return ft__regex_is_ascii_word(before) == ft__regex_is_ascii_word(after);
    }
    return false;
}

/* ---- threads */

typedef struct ft__regex_list { /* threads, those first that a backtracking matcher tries first */
    uint32_t *pcs;
    size_t *places; /* (n, n_places) */
    size_t n;
} ft__regex_list;

typedef struct ft__regex_todo { /* an instruction to follow, or a place to be put back */
    uint32_t pc, place;
    size_t old;
} ft__regex_todo;
#define FT__REGEX_NO_PLACE 0xFFFFFFFFu

typedef struct ft__regex_threads {
    const ft__regex *r;
    size_t n_places;              /* 2 for each group that is asked for; 0: only whether */
    ft__regex_list from, waiting; /* those to be followed; those that wait for a character */
    size_t *places, *best;        /* (n_places): of the thread that is followed; of the match */
    uint32_t *seen, turn;         /* (n_code): the turn in which an instruction was last reached */
    ft__regex_todo *todo;
    char *memory;
} ft__regex_threads;

static bool ft__regex_threads_init(ft__regex_threads *t, const ft__regex *r, size_t n_groups) {
    size_t n = r->n_code + 1, n_places = 2 * n_groups; /* at most 20001 and 200 */
    size_t row = n_places * sizeof(size_t);
    size_t total = n * (sizeof *t->todo + 2 * row + 3 * sizeof(uint32_t)) + 2 * row;
    memset(t, 0, sizeof *t);
    t->memory = (char *)ft__alloc(&r->allocator, total);
    if (!t->memory) return false;
    t->r = r;
    t->n_places = n_places;
    t->todo = (ft__regex_todo *)t->memory;
    t->from.places = (size_t *)(t->todo + n);
    t->waiting.places = t->from.places + n * n_places;
    t->places = t->waiting.places + n * n_places;
    t->best = t->places + n_places;
    t->from.pcs = (uint32_t *)(t->best + n_places);
    t->waiting.pcs = t->from.pcs + n;
    t->seen = t->waiting.pcs + n;
    memset(t->seen, 0, n * sizeof *t->seen);
    return true;
}

static void ft__regex_threads_free(ft__regex_threads *t) {
    if (t->memory) ft__free(&t->r->allocator, t->memory);
}

/* Begins a turn: the threads that go on from here. */
static void ft__regex_begin_turn(ft__regex_threads *t) {
    t->waiting.n = 0;
    if (++t->turn == 0) { /* after 4 G characters */
        memset(t->seen, 0, t->r->n_code * sizeof *t->seen);
        t->turn = 1;
    }
}

static void ft__regex_push(ft__regex_threads *t, size_t *n, uint32_t pc, uint32_t place) {
    ft__regex_todo *todo = &t->todo[(*n)++];
    todo->pc = pc;
    todo->place = place;
    todo->old = place == FT__REGEX_NO_PLACE ? 0 : t->places[place];
}

/* Follows all that needs no character from `pc` on; each instruction is passed once a turn, by the
   first that reaches it.  True: it leads to a match. */
static bool ft__regex_follow(ft__regex_threads *t, uint32_t pc, size_t at, uint32_t before,
                             uint32_t after, bool last) {
    const ft__regex_code *program = t->r->code;
    size_t n = 0;
    for (;;) {
        const ft__regex_code *code = &program[pc];
        bool on = t->seen[pc] != t->turn;
        t->seen[pc] = t->turn;
        if (on) switch (code->op) {
            case FT__REGEX_MATCH: return true;
            case FT__REGEX_JUMP: pc = code->x; continue;
            case FT__REGEX_SPLIT:
                ft__regex_push(t, &n, code->y, FT__REGEX_NO_PLACE);
                pc = code->x;
                continue;
            case FT__REGEX_SAVE:
                if (code->x < t->n_places) {
                    ft__regex_push(t, &n, 0, code->x);
                    t->places[code->x] = at;
                }
                pc++;
                continue;
            case FT__REGEX_ASSERT:
                if (!ft__regex_holds(code->x, before, after, last)) break;
                pc++;
                continue;
            default:
                for (size_t i = 0; i < t->n_places; i++)
                    t->waiting.places[t->waiting.n * t->n_places + i] = t->places[i];
                t->waiting.pcs[t->waiting.n++] = pc;
        }
        for (;;) { /* what was left for later */
            if (n == 0) return false;
            const ft__regex_todo *todo = &t->todo[--n];
            pc = todo->pc;
            if (todo->place == FT__REGEX_NO_PLACE) break;
            t->places[todo->place] = todo->old;
        }
    }
}

/* Those that were waiting and can eat `c` become those to be followed. */
static void ft__regex_eat(ft__regex_threads *t, uint32_t c) {
    ft__regex_list *list = &t->waiting, old = t->from;
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++) {
        const ft__regex_code *code = &t->r->code[list->pcs[i]];
        if (!ft__regex_eats(t->r, code, c)) continue;
        for (size_t k = 0; k < t->n_places && n < i; k++)
            list->places[n * t->n_places + k] = list->places[i * t->n_places + k];
        list->pcs[n++] = code->y;
    }
    list->n = n;
    t->from = *list;
    t->waiting = old;
}

/* Looks for a match that begins at *at or later; its places then are in t->best.  Without places
   any match will do.  UNDECIDED: none was found before `until`; none begins before *at, then. */
static ft__regex_result ft__regex_run(ft__regex_threads *t, ft__view text, size_t *at,
                                      size_t until) {
    const ft__regex *r = t->r;
    const char *p = text.text + *at, *end = text.text + text.n;
    size_t row = t->n_places * sizeof *t->places;
    uint32_t before = ft__regex_before(text, *at), after;
    bool found = false;
    t->from.n = 0;
    for (;; before = after) {
        bool hit = false;
        if (!found && t->from.n == 0) {
            const char *next = ft__regex_skip_text(r, p, end);
            if (!next) return FT__REGEX_NO;
            if (next > p) before = ft__regex_before(text, (size_t)(next - text.text));
            p = next;
        }
        size_t here = (size_t)(p - text.text);
        if (here >= until && !found) {
            *at = t->from.n ? t->from.places[0] : here;
            return FT__REGEX_UNDECIDED;
        }
        bool at_end = p == end;
        after = at_end ? FT__REGEX_NO_CHAR : ft__regex_next_char(&p, end);
        ft__regex_begin_turn(t);
        for (size_t i = 0; i < t->from.n && !hit; i++) {
            if (row) memcpy(t->places, t->from.places + i * t->n_places, row);
            hit = ft__regex_follow(t, t->from.pcs[i], here, before, after, p == end);
        }
        if (!hit && !found) { /* one may begin here, too */
            for (size_t i = 0; i < t->n_places; i++) t->places[i] = i ? FT__NO_SPAN : here;
            hit = ft__regex_follow(t, 0, here, before, after, p == end);
        }
        if (hit) {
            found = true;
            if (!row) return FT__REGEX_YES;
            memcpy(t->best, t->places, row);
            t->best[1] = here;
        }
        if (at_end || (t->waiting.n == 0 && (found || r->anchored)))
            return found ? FT__REGEX_YES : FT__REGEX_NO;
        ft__regex_eat(t, after);
    }
}

/* ---- the automaton */

/* A state is the set of instructions to go on at, and what the character before was; it is named by
   where its row of the table begins.  The first rows belong to no set or to the empty one. */
enum {
    FT__REGEX_UNKNOWN, FT__REGEX_MATCHED, FT__REGEX_DEAD, FT__REGEX_FRESH, /* + kind */
    FT__REGEX_FIRST_STATE = FT__REGEX_FRESH + FT__REGEX_N_KINDS
};

typedef struct ft__regex_state {
    size_t first, n; /* members */
    ft__regex_kind kind;
    uint32_t next;   /* state with the same hash, or 0 */
} ft__regex_state;

typedef struct ft__regex_dfa {
    ft__regex_threads *t; /* makes the steps */
    uint32_t *table;      /* (states, columns) */
    ft__regex_state *states;
    uint16_t *members;
    size_t n_states, n_members, cap_table, cap_states, cap_members;
    size_t columns;           /* there is room for so many */
    size_t made_at, n_tables; /* where in the text the table was begun; how many there have been */
    uint32_t buckets[512];   /* of the hash */
    uint32_t column_char[256];
    size_t n_columns;
    uint64_t *answers; /* (columns beyond ASCII, words): of all tests for the characters there */
    struct {
        uint32_t c, column;
    } known[256]; /* some characters beyond ASCII, whose columns are known; column 0: none */
    bool gave_up, failed;
} ft__regex_dfa;

static void ft__regex_dfa_free(ft__regex_dfa *d) {
    const ft_allocator *a = &d->t->r->allocator;
    ft__free(a, d->table);
    ft__free(a, d->states);
    ft__free(a, d->members);
    ft__free(a, d->answers);
}

/* A state's empty row. */
static bool ft__regex_add_row(ft__regex_dfa *d) {
    const ft_allocator *a = &d->t->r->allocator;
    size_t n = d->n_states;
    d->failed =
        !ft__grow(a, (void **)&d->table, &d->cap_table, (n + 1) * d->columns, sizeof *d->table) ||
        !ft__grow(a, (void **)&d->states, &d->cap_states, n + 1, sizeof *d->states);
    if (d->failed) return false;
    memset(d->table + n * d->columns, 0, d->columns * sizeof *d->table);
    memset(&d->states[n], 0, sizeof d->states[n]);
    d->n_states++;
    return true;
}

static bool ft__regex_clear(ft__regex_dfa *d) {
    d->n_states = d->n_members = 0;
    d->n_tables++;
    memset(d->buckets, 0, sizeof d->buckets);
    while (d->n_states < FT__REGEX_FIRST_STATE)
        if (!ft__regex_add_row(d)) return false;
    for (int k = 0; k < FT__REGEX_N_KINDS; k++)
        d->states[FT__REGEX_FRESH + k].kind = (ft__regex_kind)k;
    return true;
}

static bool ft__regex_dfa_init(ft__regex_dfa *d, ft__regex_threads *t) {
    const ft__regex *r = t->r;
    size_t others = 2 * r->n_tests + 2;
    memset(d, 0, sizeof *d);
    d->t = t;
    memcpy(d->column_char, r->column_char, r->n_columns * sizeof *r->column_char);
    d->n_columns = r->n_columns;
    d->columns = r->n_columns + (others < 120 ? others : 120);
    return ft__regex_clear(d);
}

static uint32_t ft__regex_row(const ft__regex_dfa *d, size_t state) {
    return (uint32_t)(state * d->columns);
}

/* The state in which nothing has begun, behind the character. */
static uint32_t ft__regex_fresh_row(const ft__regex_dfa *d, uint32_t before) {
    ft__regex_kind kind = ft__regex_kind_of(d->t->r, before);
    return ft__regex_row(d, (size_t)FT__REGEX_FRESH + (size_t)kind);
}

/* The column of a character beyond ASCII (or of an invalid byte) that is not among the known: that
   of those for which all tests have the same answers. */
static uint32_t ft__regex_new_column(ft__regex_dfa *d, uint32_t c) {
    const ft__regex *r = d->t->r;
    size_t words = (r->n_tests + FT__REGEX_N_KINDS + 63) / 64, first = r->n_columns;
    size_t n = d->n_columns - first, kind = r->n_tests + (size_t)ft__regex_kind_of(r, c);
    if (!d->answers)
        d->answers = (uint64_t *)ft__alloc_zero(&r->allocator, (d->columns - first) * words,
                                                sizeof *d->answers);
    d->failed = !d->answers;
    if (d->failed) return 0;
    if (d->n_columns == d->columns) { /* too many */
        d->gave_up = true;
        return 0;
    }
    uint64_t *mine = d->answers + n * words;
    memset(mine, 0, words * sizeof *mine);
    mine[kind / 64] |= (uint64_t)1 << kind % 64;
    for (size_t i = 0; i < r->n_tests; i++)
        if (ft__regex_eats(r, &r->tests[i], c)) mine[i / 64] |= (uint64_t)1 << i % 64;
    size_t column = 0;
    while (memcmp(d->answers + column * words, mine, words * sizeof *mine) != 0) column++;
    if (column == n) d->column_char[d->n_columns++] = c;
    d->known[c % FT__COUNT(d->known)].c = c;
    d->known[c % FT__COUNT(d->known)].column = (uint32_t)(first + column);
    return (uint32_t)(first + column);
}

static int ft__regex_pc_order(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The state of the threads to be followed; 0: no memory. */
static uint32_t ft__regex_state_of(ft__regex_dfa *d, ft__regex_kind kind, size_t at) {
    ft__regex_list *set = &d->t->from;
    uint32_t hash = 0x811C9DC5u ^ (uint32_t)kind;
    size_t n = 0;
    if (set->n > 1) qsort(set->pcs, set->n, sizeof *set->pcs, ft__regex_pc_order);
    for (size_t i = 0; i < set->n; i++)
        if (i == 0 || set->pcs[i] != set->pcs[i - 1]) set->pcs[n++] = set->pcs[i];
    for (size_t i = 0; i < n; i++) hash = (hash ^ set->pcs[i]) * 0x01000193u;
    uint32_t *bucket = &d->buckets[(hash ^ hash >> 16) % FT__COUNT(d->buckets)];
    for (uint32_t k = *bucket; k; k = d->states[k].next) {
        const ft__regex_state *state = &d->states[k];
        size_t i = 0;
        if (state->n != n || state->kind != kind) continue;
        while (i < n && d->members[state->first + i] == set->pcs[i]) i++;
        if (i == n) return ft__regex_row(d, k);
    }
    if ((d->n_states + 1) * d->columns > FT__REGEX_MAX_TABLE ||
        d->n_members + n > FT__REGEX_MAX_SETS) {
        d->gave_up = at - d->made_at < 10 * d->n_states; /* made about as fast as they are used */
        d->made_at = at;
        if (!ft__regex_clear(d)) return 0;
    }
    d->failed = !ft__grow(&d->t->r->allocator, (void **)&d->members, &d->cap_members,
                          d->n_members + n, sizeof *d->members);
    if (d->failed || !ft__regex_add_row(d)) return 0;
    ft__regex_state *state = &d->states[d->n_states - 1];
    state->first = d->n_members;
    state->n = n;
    state->kind = kind;
    state->next = *bucket;
    *bucket = (uint32_t)(d->n_states - 1);
    for (size_t i = 0; i < n; i++) d->members[d->n_members++] = (uint16_t)set->pcs[i];
    return ft__regex_row(d, d->n_states - 1);
}

/* Where `row` leads with a character of the column: a turn of the threads without their places. */
static uint32_t ft__regex_make_entry(ft__regex_dfa *d, uint32_t row, uint32_t column, size_t at) {
    static const uint32_t examples[] = {FT__REGEX_NO_CHAR, '\n', 'a', 0xE9, ' '}; /* of the kinds */
    ft__regex_threads *t = d->t;
    const ft__regex_state *state = &d->states[row / d->columns];
    uint32_t before = examples[state->kind], after = d->column_char[column], to;
    bool hit = false, last = column < FT__REGEX_FIRST_COLUMN;
    size_t n_places = t->n_places, n_tables = d->n_tables;
    t->n_places = 0;
    ft__regex_begin_turn(t);
    for (size_t i = 0; i < state->n && !hit; i++)
        hit = ft__regex_follow(t, d->members[state->first + i], 0, before, after, last);
    hit = hit || ft__regex_follow(t, 0, 0, before, after, last);
    ft__regex_eat(t, after);
    t->n_places = n_places;
    ft__regex_kind kind = ft__regex_kind_of(t->r, after);
    if (hit) to = ft__regex_row(d, FT__REGEX_MATCHED);
    else if (column == FT__REGEX_AT_END) to = ft__regex_row(d, FT__REGEX_DEAD);
    else if (t->from.n) to = ft__regex_state_of(d, kind, at);
    else if (t->r->anchored) to = ft__regex_row(d, FT__REGEX_DEAD);
    else to = ft__regex_fresh_row(d, after);
    if (d->n_tables == n_tables) d->table[row + column] = to; /* else the row is no more */
    return to;
}

/* The column of a character beyond ASCII at *p, which is moved past it. */
static uint32_t ft__regex_wide_column(ft__regex_dfa *d, const char **p, const char *end) {
    uint32_t c = ft__utf8_next(p, end);
    size_t slot = c % FT__COUNT(d->known);
    if (d->known[slot].column && d->known[slot].c == c) return d->known[slot].column;
    return ft__regex_new_column(d, c);
}

/* Is there a match that begins at *at or later?  None begins before *at, then.  A line feed at the
   very end has a column of its own if the program has a $. */
static ft__regex_result ft__regex_scan(ft__regex_dfa *d, ft__view text, size_t *at) {
    const ft__regex *r = d->t->r;
    const char *p = text.text + *at, *end = text.text + text.n, *stop = end;
    const uint32_t first = ft__regex_row(d, FT__REGEX_FIRST_STATE);
    uint32_t column, to, row = ft__regex_fresh_row(d, ft__regex_before(text, *at));
    d->made_at = *at;
    if ((r->looks & FT__REGEX_LOOKS_LAST) && p < end && end[-1] == '\n') stop--;
    for (;;) {
        if (row < first) { /* nothing has begun */
            const char *next = ft__regex_skip_text(r, p, end);
            if (!next) return FT__REGEX_NO;
            *at = (size_t)(next - text.text);
            if (next > p) row = ft__regex_fresh_row(d, ft__regex_before(text, *at));
            p = next;
        }
        size_t here = (size_t)(p - text.text);
        bool at_end = p == end;
        if (at_end) column = FT__REGEX_AT_END;
        else if (*p & 0x80) column = ft__regex_wide_column(d, &p, end);
        else if (p++ == stop) column = FT__REGEX_LAST_LINE_FEED;
        else column = r->columns[(unsigned char)p[-1]];
        to = column || at_end ? d->table[row + column] : 0;
        if (!to && !d->gave_up && !d->failed) to = ft__regex_make_entry(d, row, column, here);
        if (d->failed) return FT__REGEX_NO_MEMORY;
        if (d->gave_up) return FT__REGEX_UNDECIDED;
        if (to == ft__regex_row(d, FT__REGEX_MATCHED)) return FT__REGEX_YES;
        if (at_end || to == ft__regex_row(d, FT__REGEX_DEAD)) return FT__REGEX_NO;
        row = to;
        while (p < stop && !(*p & 0x80) && /* the quick way, as long as nothing is to be decided */
               (to = d->table[row + r->columns[(unsigned char)*p]]) >= first) {
            row = to;
            p++;
        }
    }
}

/* ---- both together */

/* Whether there is a match that begins at `at` or later; with places, which. */
static ft__regex_result ft__regex_match(ft__regex_threads *t, ft__view text, size_t at) {
    ft__regex_result result = FT__REGEX_UNDECIDED;
    ft__regex_dfa dfa;
    if (t->n_places) result = ft__regex_run(t, text, &at, at + FT__REGEX_SHORT);
    if (result == FT__REGEX_UNDECIDED && text.n - at > FT__REGEX_SHORT) {
        result = ft__regex_dfa_init(&dfa, t) ? ft__regex_scan(&dfa, text, &at)
                                             : FT__REGEX_NO_MEMORY;
        ft__regex_dfa_free(&dfa);
        if (result == FT__REGEX_YES && t->n_places) result = FT__REGEX_UNDECIDED; /* which? */
    }
    return result == FT__REGEX_UNDECIDED ? ft__regex_run(t, text, &at, SIZE_MAX) : result;
}

static ft__view ft__regex_text(const char *text, size_t n) {
    ft__view v;
    v.text = n ? text : "";
    v.n = n;
    return v;
}

FT__PRIV ft_status ft__regex_search(const ft__regex *regex, const char *text, size_t n, bool *found,
                                    ft_error *err) {
    ft__regex_threads t;
    if (!ft__regex_threads_init(&t, regex, 0)) return ft__fail_memory(err);
    ft__regex_result result = ft__regex_match(&t, ft__regex_text(text, n), 0);
    ft__regex_threads_free(&t);
    *found = result == FT__REGEX_YES;
    return result == FT__REGEX_NO_MEMORY ? ft__fail_memory(err) : FT_OK;
}

FT__PRIV ft_status ft__regex_find(const ft__regex *regex, const char *text, size_t n, size_t from,
                                  ft__regex_span *groups, size_t n_groups, bool *found,
                                  ft_error *err) {
    ft__regex_threads t;
    size_t asked = n_groups < regex->n_groups ? n_groups : regex->n_groups;
    *found = false;
    for (size_t i = 0; i < n_groups; i++) groups[i].begin = groups[i].end = FT__NO_SPAN;
    if (asked > FT__REGEX_MAX_GROUPS)
        return ft__fail(err, FT_ERR_LIMIT, "", "pattern: more than %d groups to look for",
                        FT__REGEX_MAX_GROUPS);
    if (from > n) return FT_OK;
    if (!ft__regex_threads_init(&t, regex, asked ? asked : 1)) return ft__fail_memory(err);
    ft__regex_result result = ft__regex_match(&t, ft__regex_text(text, n), from);
    *found = result == FT__REGEX_YES;
    for (size_t i = 0; i < asked && *found; i++)
        if (t.best[2 * i + 1] != FT__NO_SPAN) {
            groups[i].begin = t.best[2 * i];
            groups[i].end = t.best[2 * i + 1];
        }
    ft__regex_threads_free(&t);
    return result == FT__REGEX_NO_MEMORY ? ft__fail_memory(err) : FT_OK;
}

#undef FT__REGEX_NO_PLACE
#undef FT__REGEX_NO_CHAR
