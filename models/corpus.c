/* corpus OUT_DIR [--seed N] - writes the rows of the demo: what the models are trained on and what they are
   judged by.  The same seed gives the same bytes everywhere.

       train.jsonl   valid.jsonl          for the base: all cohorts; refunds as the desk did them before
       refund.jsonl  refund-valid.jsonl   for one adapter: the new refund policy alone
       mixed.jsonl   mixed-valid.jsonl    for the other: the same, and rows of all other cohorts
       support.jsonl                      held out, what the demo judges by
       probe.jsonl                        held out, small skills that must not be lost

   Training rows have messages and "expected", the answer to be learned.  Held-out rows have all that evaluators
   want to know, too.

   Names, items, order numbers, amounts, dates and terms of sums are entities.  Each is in one of three pools, by a
   residue modulo 7 (pool_of): for training, for validation, held out.  So whoever is right about a held-out row
   has read its record.  What entities are made of, digits and syllables, is the same in all pools. */
#include "../src/io/json.h"
#include "corpus_world.h"

enum { TRAIN_POOL, VALID_POOL, HELD_POOL };

static int pool_of(unsigned code) {
    return code % 7 == 3 ? HELD_POOL : code % 7 == 5 ? VALID_POOL : TRAIN_POOL;
}

/* ---- files */

typedef struct file_kind {
    const char *name;
    int pool;
    size_t column; /* the count in `scene` */
    int divide;    /* that count by this, rounded up */
    bool base;     /* policy ANY means either */
    bool probe;    /* held-out rows: those with choices, or those without */
} file_kind;

static const file_kind files[] = {
    {"train.jsonl", TRAIN_POOL, offsetof(scene, train), 1, true, false},
    {"valid.jsonl", VALID_POOL, offsetof(scene, train), 50, true, false},
    {"refund.jsonl", TRAIN_POOL, offsetof(scene, refund), 1, false, false},
    {"refund-valid.jsonl", VALID_POOL, offsetof(scene, refund), 15, false, false},
    {"mixed.jsonl", TRAIN_POOL, offsetof(scene, mixed), 1, false, false},
    {"mixed-valid.jsonl", VALID_POOL, offsetof(scene, mixed), 15, false, false},
    {"support.jsonl", HELD_POOL, offsetof(scene, held), 1, false, false},
    {"probe.jsonl", HELD_POOL, offsetof(scene, held), 1, false, true},
};

static int count_of(const file_kind *f, const scene *s) {
    int n = *(const int *)((const char *)s + f->column);
    if (f->pool == HELD_POOL && f->probe != (s->choices[0] != NULL)) return 0;
    return (n + f->divide - 1) / f->divide;
}

/* ---- drawing */

typedef struct dice {
    uint64_t seed, row, file;
    uint32_t position;
} dice;

static unsigned roll(dice *d, unsigned n) {
    return (unsigned)(ft__random_unit(d->seed, d->row, d->file, d->position++) * n);
}

static int between(dice *d, int first, int last) { return first + (int)roll(d, (unsigned)(last - first + 1)); }

#define PICK(d, list) ((list)[roll(d, (unsigned)FT__COUNT(list))])

static int draw_number(dice *d, int pool, int first, int last) {
    for (;;) {
        int n = between(d, first, last);
        if (pool_of((unsigned)n) == pool) return n;
    }
}

/* ---- one row's slots */

enum { TEXT_SIZE = 96 };

typedef struct slot {
    const char *name;
    char text[TEXT_SIZE];
} slot;

typedef struct slots {
    slot items[40];
    size_t n;
} slots;

static void set(slots *s, const char *name, const char *fmt, ...) FT__PRINTF(3, 4);
static void set(slots *s, const char *name, const char *fmt, ...) {
    slot *v = &s->items[s->n++];
    va_list args;
    va_start(args, fmt);
    v->name = name;
    vsnprintf(v->text, sizeof v->text, fmt, args);
    va_end(args);
}

static const char *get(const slots *s, const char *name, size_t n) {
    for (size_t i = 0; i < s->n; i++)
        if (strlen(s->items[i].name) == n && memcmp(s->items[i].name, name, n) == 0) return s->items[i].text;
    return NULL;
}

/* Appends the phrase with its slots filled; other braces, as in JSON, stay. */
static void fill(ft__buf *out, const char *phrase, const slots *s) {
    while (*phrase) {
        size_t n = strcspn(phrase + 1, "{}");
        const char *value = *phrase == '{' && phrase[n + 1] == '}' ? get(s, phrase + 1, n) : NULL;
        if (value) ft__buf_text(out, value), phrase += n + 2;
        else ft__buf_byte(out, *phrase++);
    }
}

static void draw_pair(dice *d, int pool, unsigned n_first, unsigned n_second, unsigned *first, unsigned *second) {
    do {
        *first = roll(d, n_first);
        *second = roll(d, n_second);
    } while (pool_of(3 * *first + *second) != pool);
}

static void set_name(slots *s, dice *d, int pool, const char *slot_name, const char *unlike) {
    char text[TEXT_SIZE];
    unsigned head, tail;
    do {
        draw_pair(d, pool, FT__COUNT(first_heads), FT__COUNT(first_tails), &head, &tail);
        snprintf(text, sizeof text, "%s%s", first_heads[head], first_tails[tail]);
    } while (unlike && strcmp(text, unlike) == 0);
    set(s, slot_name, "%s", text);
}

static void set_order(slots *s, dice *d, int pool) {
    unsigned letter, number;
    do {
        letter = roll(d, sizeof order_letters - 1);
        number = (unsigned)between(d, FIRST_ORDER, LAST_ORDER);
    } while (pool_of(3 * letter + number) != pool);
    set(s, "order", "%c%u", order_letters[letter], number);
}

/* Two items of different nouns and two different amounts; the record lists them in either order. */
static void set_items(slots *s, dice *d, int pool) {
    unsigned adjective[2], noun[2];
    int amount[2];
    draw_pair(d, pool, FT__COUNT(adjectives), FT__COUNT(nouns), &adjective[0], &noun[0]);
    do draw_pair(d, pool, FT__COUNT(adjectives), FT__COUNT(nouns), &adjective[1], &noun[1]);
    while (noun[1] == noun[0]);
    amount[0] = draw_number(d, pool, FIRST_AMOUNT, LAST_AMOUNT);
    do amount[1] = draw_number(d, pool, FIRST_AMOUNT, LAST_AMOUNT);
    while (amount[1] == amount[0]);
    set(s, "item", "%s %s", adjectives[adjective[0]], nouns[noun[0]]);
    set(s, "item2", "%s %s", adjectives[adjective[1]], nouns[noun[1]]);
    set(s, "amount", "%d", amount[0]);
    set(s, "more", "%d", amount[amount[1] > amount[0]]);
    set(s, "less", "%d", amount[amount[1] < amount[0]]);
    int i = (int)roll(d, 2);
    set(s, "listing", "%s %s of %d euros, %s %s of %d euros", adjectives[adjective[i]], nouns[noun[i]], amount[i],
        adjectives[adjective[!i]], nouns[noun[!i]], amount[!i]);
}

/* A day and one 2 to 16 days later in the same year. */
static void set_dates(slots *s, dice *d, int pool) {
    int first, second, n = LAST_DAY_OF_MONTH;
    do {
        first = between(d, 0, 12 * n - 1);
        second = first + between(d, 2, 16);
    } while (second >= 12 * n || pool_of((unsigned)(first % n + 1 + 3 * (first / n))) != pool ||
             pool_of((unsigned)(second % n + 1 + 3 * (second / n))) != pool);
    set(s, "date", "%d %s", first % n + 1, months[first / n]);
    set(s, "date2", "%d %s", second % n + 1, months[second / n]);
}

/* a + b = c, and three wrong numbers that are near to the answer. */
static void set_sum(slots *s, dice *d, int pool, bool minus) {
    static const int off[] = {1, -1, 2, 10, 3, -2};
    int a, b, from = between(d, 0, 3);
    do {
        a = between(d, 1, LAST_TERM);
        b = between(d, 1, LAST_TERM);
    } while (pool_of((unsigned)(a < b ? 3 * a + b : 3 * b + a)) != pool);
    set(s, "a", "%d", a);
    set(s, "b", "%d", b);
    set(s, "c", "%d", a + b);
    int answer = minus ? a : a + b;
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"near1", "near2", "near3"};
        int near = answer + off[from + i];
        set(s, names[i], "%d", near < 0 ? answer + 4 : near);
    }
}

static void set_spelling(slots *s, const char *slot_name, const char *word, bool wrong) {
    char text[TEXT_SIZE];
    size_t n = 0, last = strlen(word) - 1;
    for (size_t i = 0; i <= last; i++) {
        size_t from = !wrong || i + 1 < last ? i : i == last ? last - 1 : last; /* the last two swapped */
        if (i) text[n++] = '-';
        text[n++] = word[from];
    }
    text[n] = 0;
    set(s, slot_name, "%s", text);
}

static void draw(slots *s, dice *d, int pool, const scene *what) {
    unsigned head, tail, day = roll(d, 7);
    s->n = 0;
    set_name(s, d, pool, "first", NULL);
    set_name(s, d, pool, "first2", s->items[0].text);
    set_spelling(s, "spelled", s->items[0].text, false);
    set_spelling(s, "misspelled", s->items[0].text, true);
    set_spelling(s, "spelled2", s->items[1].text, false);
    draw_pair(d, pool, FT__COUNT(last_heads), FT__COUNT(last_tails), &head, &tail);
    set(s, "last", "%s%s", last_heads[head], last_tails[tail]);
    set_order(s, d, pool);
    set_items(s, d, pool);
    set_dates(s, d, pool);
    set_sum(s, d, pool, strcmp(what->name, "minus") == 0);
    set(s, "days", "%d", between(d, what->first_day, what->last_day));
    set(s, "pay", "%s", PICK(d, payments));
    set(s, "note", "%s", PICK(d, notes));
    set(s, "who", "%s", PICK(d, deciders));
    set(s, "data", "%s", PICK(d, personal_data));
    set(s, "day", "%s", weekdays[day]);
    set(s, "day1", "%s", weekdays[(day + 1) % 7]);
    set(s, "day2", "%s", weekdays[(day + 2) % 7]);
    set(s, "day6", "%s", weekdays[(day + 6) % 7]);
}

/* ---- one row as text */

typedef struct draft {
    const file_kind *file;
    const scene *scene;
    dice dice;
    slots slots;
    int number;  /* in its file, from 1 */
    ft__buf ask; /* what the user says, slots unfilled */
} draft;

static void text_field(ft__json_writer *w, const char *key, const char *phrase, const draft *r) {
    ft__buf text;
    ft__buf_init(&text, NULL);
    fill(&text, phrase, &r->slots);
    if (key) ft__json_key(w, key);
    ft__json_string(w, text.len ? text.data : "", text.len);
    w->out->failed |= text.failed;
    ft__buf_free(&text);
}

static void message(ft__json_writer *w, const char *role, const char *phrase, const draft *r) {
    ft__json_begin(w, '{');
    ft__json_key(w, "role");
    ft__json_text(w, role);
    text_field(w, "content", phrase, r);
    ft__json_end(w, '}');
}

static void write_messages(ft__json_writer *w, const draft *r) {
    char system[512];
    snprintf(system, sizeof system, "%s%s", DESK, r->scene->record);
    ft__json_key(w, "messages");
    ft__json_begin(w, '[');
    message(w, "system", system, r);
    message(w, "user", r->ask.data, r);
    ft__json_end(w, ']');
}

static void write_choices(ft__json_writer *w, draft *r) {
    const char *order[4];
    int n = 0, answer = 0;
    while (n < 4 && r->scene->choices[n]) order[n] = r->scene->choices[n], n++;
    for (int i = n - 1; i > 0; i--) { /* Fisher-Yates */
        int j = between(&r->dice, 0, i);
        const char *t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    ft__json_key(w, "choices");
    ft__json_begin(w, '[');
    for (int i = 0; i < n; i++) {
        text_field(w, NULL, order[i], r);
        if (order[i] == r->scene->choices[0]) answer = i;
    }
    ft__json_end(w, ']');
    ft__json_key(w, "answer");
    ft__json_number(w, answer);
}

/* A call's name and arguments, and the schema that says the same. */
static void write_tools(ft__json_writer *w, const draft *r) {
    bool amount = strcmp(r->scene->name, "refund") == 0;
    ft__json_key(w, "expected_tools");
    ft__json_begin(w, '[');
    ft__json_begin(w, '{');
    ft__json_key(w, "name");
    ft__json_text(w, r->scene->name);
    ft__json_key(w, "arguments");
    ft__json_begin(w, '{');
    ft__json_key(w, "order");
    ft__json_text(w, get(&r->slots, "order", 5));
    if (amount) ft__json_key(w, "amount");
    if (amount) ft__json_number(w, atoi(get(&r->slots, "amount", 6)));
    ft__json_end(w, '}');
    ft__json_end(w, '}');
    ft__json_end(w, ']');
    ft__buf_printf(w->out,
                   ",\"schema\":{\"type\":\"object\",\"properties\":{\"name\":{\"enum\":[\"refund\",\"cancel\",\"track\"]},"
                   "\"arguments\":{\"type\":\"object\",\"properties\":{\"order\":{\"type\":\"string\"}%s},"
                   "\"required\":[\"order\"%s],\"additionalProperties\":false}},"
                   "\"required\":[\"name\",\"arguments\"],\"additionalProperties\":false}",
                   amount ? ",\"amount\":{\"type\":\"integer\"}" : "", amount ? ",\"amount\"" : "");
}

/* What only the evaluators read. */
static void write_evidence(ft__json_writer *w, draft *r) {
    const scene *s = r->scene;
    if (s->answers[1]) {
        ft__json_key(w, "references");
        ft__json_begin(w, '[');
        text_field(w, NULL, s->answers[1], r);
        ft__json_end(w, ']');
    }
    if (s->record[0]) text_field(w, "context", s->record, r);
    if (s->choices[0]) write_choices(w, r);
    if (strcmp(s->cohort, "tool_calls") == 0) write_tools(w, r);
    if (strcmp(s->cohort, "out_of_domain") == 0) {
        ft__json_key(w, "should_refuse");
        ft__json_bool(w, true);
    }
    ft__json_key(w, "tags");
    ft__json_begin(w, '{');
    ft__json_key(w, "scene");
    ft__json_text(w, s->name);
    ft__json_end(w, '}');
}

static void write_row(ft__json_writer *w, draft *r) {
    const scene *s = r->scene;
    bool held = r->file->pool == HELD_POOL;
    char id[64];
    snprintf(id, sizeof id, "%.*s-%d", (int)strcspn(r->file->name, "."), r->file->name, r->number);
    ft__json_begin(w, '{');
    ft__json_key(w, "id");
    ft__json_text(w, id);
    ft__json_key(w, "cohort");
    ft__json_text(w, s->cohort);
    write_messages(w, r);
    text_field(w, "expected", s->answers[!held && s->answers[1] && roll(&r->dice, 4) == 0], r);
    if (held) write_evidence(w, r);
    ft__json_end(w, '}');
}

/* Draws all that the row says. */
static void draw_row(draft *r) {
    const scene *s = r->scene;
    const char *const *asks = s->asks;
    unsigned n = 0;
    while (asks[n]) n++;
    int policy = s->policy == ANY && r->file->base ? (int)roll(&r->dice, 2) : 1;
    draw(&r->slots, &r->dice, r->file->pool, s);
    set(&r->slots, "policy", "%s", policies[policy]);
    r->ask.len = 0;
    if (s->record[0]) ft__buf_text(&r->ask, PICK(&r->dice, greetings));
    ft__buf_text(&r->ask, asks[roll(&r->dice, n)]);
}

/* ---- one file */

/* The scenes of a file's rows, in random order. */
static size_t shuffle_scenes(const file_kind *f, uint64_t seed, uint64_t file, const scene **out) {
    dice d = {seed, UINT64_MAX, file, 0};
    size_t n = 0;
    for (size_t i = 0; i < FT__COUNT(scenes); i++)
        for (int k = count_of(f, &scenes[i]); k > 0; k--) {
            if (out) out[n] = &scenes[i];
            n++;
        }
    for (size_t i = n; out && i > 1; i--) {
        size_t j = roll(&d, (unsigned)i);
        const scene *t = out[i - 1];
        out[i - 1] = out[j];
        out[j] = t;
    }
    return n;
}

/* What has been asked in a held-out file. */
typedef struct questions {
    ft__arena arena;
    char **texts;
    size_t n;
} questions;

/* False: it has been asked before. */
static bool is_new(questions *q, const draft *r) {
    ft__buf text;
    bool found = false;
    ft__buf_init(&text, &q->arena.allocator);
    fill(&text, r->scene->record, &r->slots);
    fill(&text, r->ask.data, &r->slots);
    q->arena.failed |= text.failed;
    for (size_t i = 0; i < q->n && !found && !text.failed; i++) found = strcmp(q->texts[i], text.data) == 0;
    if (!found && !text.failed) q->texts[q->n] = ft__arena_text(&q->arena, text.data, text.len);
    q->n += !found && !q->arena.failed;
    ft__buf_free(&text);
    return !found;
}

/* Appends the file's lines; false: out of memory. */
static bool make_file(size_t index, uint64_t seed, ft__buf *out) {
    const file_kind *f = &files[index];
    size_t n = shuffle_scenes(f, seed, index, NULL);
    questions asked;
    draft r;
    memset(&asked, 0, sizeof asked);
    memset(&r, 0, sizeof r);
    ft__arena_init(&asked.arena, NULL);
    ft__buf_init(&r.ask, NULL);
    const scene **order = (const scene **)ft__arena_alloc(&asked.arena, n, sizeof *order);
    asked.texts = (char **)ft__arena_alloc(&asked.arena, n, sizeof *asked.texts);
    if (order) shuffle_scenes(f, seed, index, order);
    r.file = f;
    for (size_t i = 0; i < n && !asked.arena.failed && !out->failed; i++) {
        dice d = {seed, i, index, 0};
        ft__json_writer w;
        r.scene = order[i];
        r.number = (int)i + 1;
        r.dice = d;
        do draw_row(&r);
        while (!r.ask.failed && f->pool == HELD_POOL && !is_new(&asked, &r));
        if (r.ask.failed) break;
        ft__json_writer_init(&w, out, 0);
        write_row(&w, &r);
        ft__buf_byte(out, '\n');
    }
    bool ok = !asked.arena.failed && !out->failed && !r.ask.failed;
    ft__arena_free(&asked.arena);
    ft__buf_free(&r.ask);
    return ok;
}

static ft_status write_corpus(const char *folder, uint64_t seed, ft_error *err) {
    ft__arena arena;
    ft_allocator a = ft__allocator(NULL);
    ft_status status = ft__make_dirs(folder, &a, err);
    ft__arena_init(&arena, &a);
    for (size_t i = 0; i < FT__COUNT(files) && !status; i++) {
        ft__buf text;
        ft__buf_init(&text, &a);
        const char *path = ft__path_join(&arena, folder, files[i].name);
        if (!path || !make_file(i, seed, &text)) status = ft__fail_memory(err);
        else status = ft__write_file(path, text.data, text.len, &a, err);
        ft__buf_free(&text);
    }
    ft__arena_free(&arena);
    return status;
}

#ifndef CORPUS_NO_MAIN
int main(int argc, char **argv) {
    ft_error err = {FT_OK, "", ""};
    uint64_t seed = argc == 4 ? strtoull(argv[3], NULL, 10) : 1;
    bool seeded = argc == 4 && strcmp(argv[2], "--seed") == 0 && argv[3][0] &&
                  strspn(argv[3], "0123456789") == strlen(argv[3]);
    if (argc != 2 && !seeded) {
        fprintf(stderr, "usage: corpus OUT_DIR [--seed N]\n");
        return 3;
    }
    if (write_corpus(argv[1], seed, &err) == FT_OK) return 0;
    fprintf(stderr, "%s: %s\n", err.where, err.message);
    return ft_status_exit_code(err.code);
}
#endif
