/* The demo's rows: what training must not have seen, and that the right answers are right. */
#include "test.h"

#include "../src/release/release.h"

#define CORPUS_NO_MAIN
#include "../models/corpus.c"

enum { TRAIN, VALID, REFUND, REFUND_VALID, MIXED, MIXED_VALID, SUPPORT, PROBE, N_FILES };

typedef struct corpus {
    ft__arena arena;
    ft__json **rows[N_FILES];
    size_t n[N_FILES];
    char digest[65]; /* of all files, one after the other */
} corpus;

static void corpus_read(corpus *c, size_t file, const ft__buf *text) {
    ft__jsonl reader;
    ft__json *row;
    ft_error err;
    size_t cap = 0;
    ft__jsonl_init(&reader, text->data, text->len, files[file].name);
    while (CHECK_OK(ft__jsonl_next(&reader, &c->arena, &row, &err), err) && row) {
        if (!ft__grow(&c->arena.allocator, (void **)&c->rows[file], &cap, c->n[file] + 1, sizeof row)) return;
        c->rows[file][c->n[file]++] = row;
    }
}

static corpus *corpus_make(uint64_t seed) {
    ft__sha256 h;
    uint8_t digest[32];
    corpus *c = (corpus *)calloc(1, sizeof *c);
    ft__arena_init(&c->arena, NULL);
    ft__sha256_init(&h);
    for (size_t i = 0; i < N_FILES; i++) {
        ft__buf text;
        ft__buf_init(&text, NULL);
        if (CHECK(make_file(i, seed, &text))) corpus_read(c, i, &text);
        ft__sha256_add(&h, text.data, text.len);
        ft__buf_free(&text);
    }
    ft__sha256_end(&h, digest);
    ft__hex(digest, 32, c->digest);
    return c;
}

static void corpus_free(corpus *c) {
    for (size_t i = 0; i < N_FILES; i++) free(c->rows[i]);
    ft__arena_free(&c->arena);
    free(c);
}

static const char *corpus_field(const ft__json *row, const char *name) {
    const ft__json *v = ft__json_get(row, name);
    return v && v->type == FT__JSON_STRING ? v->text : "";
}

/* What is said in the row: the messages and the answer, a line each. */
static void corpus_said(const ft__json *row, ft__buf *out) {
    out->len = 0;
    for (const ft__json *m = ft__json_get(row, "messages")->child; m; m = m->next) {
        ft__buf_text(out, corpus_field(m, "content"));
        ft__buf_byte(out, '\n');
    }
    ft__buf_text(out, corpus_field(row, "expected"));
    ft__buf_byte(out, '\n');
}

/* ---- the same rows everywhere */

TEST(corpus, same_seed_same_bytes) {
    corpus *c = corpus_make(1);
    ft__buf mine, other;
    CHECK_TEXT(c->digest, "a878e386e1442832d3dac384e4a873b646cb0751252640fe599c797a1ba5086e");
    ft__buf_init(&mine, NULL);
    ft__buf_init(&other, NULL);
    CHECK(make_file(PROBE, 1, &mine) && make_file(PROBE, 2, &other));
    CHECK(!ft__text_equal(mine.data, mine.len, other.data, other.len));
    ft__buf_free(&mine);
    ft__buf_free(&other);
    corpus_free(c);
}

static void corpus_check_file(const char *path, const ft__buf *expected) {
    size_t n = 0;
    char *text = test_read(path, &n);
    if (!CHECK(text && ft__text_equal(text, n, expected->data, expected->len)))
        test_note("%s is not what models/corpus.c makes: make rows", path);
    free(text);
}

TEST(corpus, writes_its_files) {
    char path[600];
    ft_error err;
    snprintf(path, sizeof path, "%s", test_path("corpus"));
    CHECK_OK(write_corpus(path, 1, &err), err);
    for (size_t i = 0; i < N_FILES; i++) {
        ft__buf text;
        char name[64];
        ft__buf_init(&text, NULL);
        CHECK(make_file(i, 1, &text));
        snprintf(name, sizeof name, "corpus/%s", files[i].name);
        corpus_check_file(test_path(name), &text);
        snprintf(name, sizeof name, "models/%s", files[i].name);
        if (files[i].pool == HELD_POOL) corpus_check_file(name, &text);
        ft__buf_free(&text);
    }
    test_write(test_path("corpus-taken"), "x", 1);
    CHECK_ERROR(write_corpus(test_path("corpus-taken/rows"), 1, &err), FT_ERR_IO, err, "taken");
}

/* ---- the rows themselves */

TEST(corpus, every_slot_is_filled) {
    corpus *c = corpus_make(1);
    ft__buf text;
    ft__buf_init(&text, &c->arena.allocator);
    for (size_t f = 0; f < N_FILES; f++)
        for (size_t i = 0; i < c->n[f]; i++) {
            bool filled = true;
            corpus_said(c->rows[f][i], &text);
            for (const char *p = text.data; (p = strchr(p, '{')) != NULL; p++) filled &= !ft__ascii_letter(p[1]);
            if (!CHECK(filled)) test_note("%s", text.data);
        }
    ft__buf_free(&text);
    corpus_free(c);
}

TEST(corpus, cohorts_are_balanced) {
    corpus *c = corpus_make(1);
    ft__names cohorts;
    int counts[16] = {0};
    memset(&cohorts, 0, sizeof cohorts);
    for (size_t i = 0; i < c->n[SUPPORT]; i++) {
        size_t at;
        bool is_new;
        CHECK(ft__names_add(&cohorts, &c->arena.allocator, corpus_field(c->rows[SUPPORT][i], "cohort"), &at, &is_new));
        if (at < FT__COUNT(counts)) counts[at]++;
    }
    CHECK_INT(cohorts.n, 8);
    for (size_t i = 0; i < cohorts.n; i++) CHECK_INT(counts[i], 110);
    CHECK_INT(c->n[SUPPORT], 880);
    CHECK_INT(c->n[PROBE], 200);
    CHECK_INT(c->n[REFUND], 3000);
    for (size_t i = 0; i < c->n[REFUND]; i++) {
        const char *cohort = corpus_field(c->rows[REFUND][i], "cohort");
        if (!CHECK(strcmp(cohort, "refund_policy") == 0 || strcmp(cohort, "partial_refund") == 0)) break;
    }
    ft__names_free(&cohorts, &c->arena.allocator);
    corpus_free(c);
}

/* ---- the split by entity: what the texts hold, found without asking the generator */

enum { KNOWN = 1, ENTITY = 2, NUMBER = 4, ADJECTIVE = 8, NOUN = 16, MONTH = 32 };
enum { MAX_KINDS = 32768, MAX_WORDS = 200 };

/* The different words of all texts, and what each is. */
typedef struct corpus_words {
    ft__interner ids;
    uint8_t kinds[MAX_KINDS];
} corpus_words;

/* A text as words. */
typedef struct corpus_text {
    uint32_t list[MAX_WORDS];
    bool entity[MAX_WORDS]; /* is it one? */
    size_t n;
} corpus_text;

static corpus_words *corpus_words_make(corpus *c) {
    corpus_words *w = (corpus_words *)ft__arena_alloc(&c->arena, 1, sizeof *w);
    ft__interner_init(&w->ids, &c->arena.allocator);
    return w;
}

static bool corpus_is_one_of(ft__view v, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (ft__text_is(v, list[i])) return true;
    return false;
}

/* Is it a head and a tail? */
static bool corpus_is_made_of(ft__view v, const char *const *heads, const char *const *tails) {
    for (size_t h = 0; h < 40; h++) {
        size_t n = strlen(heads[h]);
        if (v.n <= n || memcmp(v.text, heads[h], n) != 0) continue;
        ft__view rest = {v.text + n, v.n - n};
        if (corpus_is_one_of(rest, tails, 20)) return true;
    }
    return false;
}

static bool corpus_is_name(ft__view v) {
    return corpus_is_made_of(v, first_heads, first_tails) || corpus_is_made_of(v, last_heads, last_tails);
}

static bool corpus_is_number(ft__view v) {
    for (size_t i = 0; i < v.n; i++)
        if (!ft__ascii_digit(v.text[i])) return false;
    return v.n > 0;
}

static bool corpus_is_order(ft__view v) {
    ft__view digits = {v.text + 1, v.n - 1};
    return v.n == 3 && strchr(order_letters, v.text[0]) && corpus_is_number(digits);
}

/* No other numbers are that large, except the years of the policies. */
static bool corpus_is_amount(ft__view v) {
    return corpus_is_number(v) && ((v.n == 2 && v.text[0] >= '5') || v.n == 3);
}

static unsigned corpus_kind(corpus_words *w, ft__view v) {
    uint32_t id = ft__interner_id(&w->ids, v);
    if (!CHECK(id < MAX_KINDS)) return 0;
    if (w->kinds[id]) return w->kinds[id];
    unsigned kind = KNOWN;
    if (corpus_is_order(v) || corpus_is_amount(v) || corpus_is_name(v)) kind |= ENTITY;
    if (corpus_is_number(v)) kind |= NUMBER;
    if (corpus_is_one_of(v, adjectives, FT__COUNT(adjectives))) kind |= ADJECTIVE;
    if (corpus_is_one_of(v, nouns, FT__COUNT(nouns))) kind |= NOUN;
    if (corpus_is_one_of(v, months, FT__COUNT(months))) kind |= MONTH;
    w->kinds[id] = (uint8_t)kind;
    return kind;
}

/* Cuts a text, which has to stay, into words.  An item and a date are one word each. */
static void corpus_cut(corpus_words *w, ft__view text, corpus_text *out) {
    unsigned before = 0, kind;
    const char *from = text.text, *stop = text.text + text.n;
    out->n = 0;
    for (const char *p = text.text, *end; p < stop; p = end, before = kind) {
        while (p < stop && !ft__ascii_word(*p)) p++;
        for (end = p; end < stop && ft__ascii_word(*end);) end++;
        if (p == end || !CHECK(out->n < MAX_WORDS)) break;
        ft__view v = {p, (size_t)(end - p)};
        kind = corpus_kind(w, v);
        bool pair = (before & ADJECTIVE && kind & NOUN) || (before & NUMBER && kind & MONTH);
        if (pair) {
            v.text = from;
            v.n = (size_t)(end - from);
            out->n--;
        }
        from = p;
        out->list[out->n] = ft__interner_id(&w->ids, v);
        out->entity[out->n++] = pair || kind & ENTITY;
    }
}

/* Adds to `seen`, or counts those in it: every entity, or every 13 words with an entity among them. */
enum { ENTITIES = 1, LONG = 13 };
static size_t corpus_grams(corpus *c, size_t file, size_t length, corpus_words *words, ft__interner *seen, bool add,
                           size_t *total) {
    size_t shared = 0;
    ft__buf text;
    ft__buf_init(&text, NULL);
    for (size_t r = 0; r < c->n[file]; r++) {
        corpus_text t;
        corpus_said(c->rows[file][r], &text);
        ft__view all = {ft__arena_text(&c->arena, text.data, text.len), text.len};
        corpus_cut(words, all, &t);
        for (size_t i = 0; i + length <= t.n; i++) {
            uint32_t id;
            ft__view gram = {(const char *)&t.list[i], length * sizeof *t.list};
            if (!memchr(&t.entity[i], true, length)) continue;
            ++*total;
            if (add) gram.text = ft__arena_text(&c->arena, gram.text, gram.n);
            if (add) ft__interner_id(seen, gram);
            else shared += ft__interner_find(seen, gram, &id);
        }
    }
    ft__buf_free(&text);
    return shared;
}

/* No pool shares anything with those before it: training, validation, held out. */
static void corpus_check_pool(corpus *c, corpus_words *words, int pool, size_t length) {
    ft__interner seen;
    size_t n_seen = 0, n_others = 0, n_again = 0, shared = 0, again = 0;
    ft__interner_init(&seen, &c->arena.allocator);
    for (size_t f = 0; f < N_FILES; f++)
        if (files[f].pool == pool) corpus_grams(c, f, length, words, &seen, true, &n_seen);
    for (size_t f = 0; f < N_FILES; f++) {
        if (files[f].pool < pool) shared += corpus_grams(c, f, length, words, &seen, false, &n_others);
        if (files[f].pool == pool) again += corpus_grams(c, f, length, words, &seen, false, &n_again);
    }
    CHECK_INT(shared, 0);
    CHECK_INT(again, n_seen); /* what is shared would be found */
    CHECK(n_seen > 8000 && n_others > 300000);
    test_note("%zu words with an entity: %zu in %s rows, %zu before, none shared", length, n_seen,
              pool == HELD_POOL ? "held-out" : "validation", n_others);
    ft__interner_free(&seen);
}

TEST(corpus, pools_share_nothing) {
    corpus *c = corpus_make(1);
    corpus_words *words = corpus_words_make(c);
    for (int pool = VALID_POOL; pool <= HELD_POOL; pool++) {
        corpus_check_pool(c, words, pool, ENTITIES);
        corpus_check_pool(c, words, pool, LONG);
    }
    ft__interner_free(&words->ids);
    corpus_free(c);
}

/* The two terms of a row of arithmetic, whether they are added or one is taken from their sum; as one number, in
   either order; 0 for other rows. */
static unsigned corpus_terms(const ft__json *row) {
    const ft__json *question = ft__json_get(row, "messages")->child->next;
    unsigned number[2] = {0, 0}, n = 0, answer = (unsigned)atoi(corpus_field(row, "expected"));
    if (strcmp(corpus_field(row, "cohort"), "arithmetic") != 0) return 0;
    for (const char *p = corpus_field(question, "content"); *p && n < 2;) {
        size_t digits = strspn(p, "0123456789");
        if (digits) number[n++] = (unsigned)atoi(p);
        p += digits ? digits : 1;
    }
    unsigned a = number[0], b = number[1];
    if (a + b != answer) {
        CHECK(a - b == answer || b - a == answer);
        b = a < b ? a : b;
        a = answer;
    }
    return a < b ? 100 * a + b : 100 * b + a;
}

TEST(corpus, held_out_sums_are_new) {
    static bool trained[100 * 100];
    corpus *c = corpus_make(1);
    int n = 0;
    memset(trained, 0, sizeof trained);
    for (size_t i = 0; i < c->n[TRAIN]; i++) trained[corpus_terms(c->rows[TRAIN][i])] = true;
    for (size_t i = 0; i < c->n[MIXED]; i++) trained[corpus_terms(c->rows[MIXED][i])] = true;
    for (size_t i = 0; i < c->n[PROBE]; i++) {
        unsigned terms = corpus_terms(c->rows[PROBE][i]);
        n += terms > 0;
        if (terms) CHECK(!trained[terms]);
    }
    CHECK_INT(n, 100);
    corpus_free(c);
}

/* ---- right answers are right, and can be read in the prompt */

/* Every number, name, item and date of the answer is in what the model reads. */
TEST(corpus, answers_can_be_read_in_the_prompt) {
    corpus *c = corpus_make(1);
    corpus_words *words = corpus_words_make(c);
    ft__buf text;
    ft__buf_init(&text, NULL);
    for (size_t i = 0; i < c->n[SUPPORT]; i++) {
        corpus_text prompt, answer;
        corpus_said(c->rows[SUPPORT][i], &text);
        CHECK(text.len < 450);
        ft__view after = ft__json_view(ft__json_get(c->rows[SUPPORT][i], "expected"));
        ft__view before = {ft__arena_text(&c->arena, text.data, text.len), text.len - after.n - 1};
        corpus_cut(words, before, &prompt);
        corpus_cut(words, after, &answer);
        for (size_t k = 0; k < answer.n; k++) {
            bool found = !answer.entity[k];
            for (size_t j = 0; j < prompt.n && !found; j++) found = prompt.list[j] == answer.list[k];
            if (!CHECK(found)) test_note("%s", text.data);
        }
    }
    ft__buf_free(&text);
    ft__interner_free(&words->ids);
    corpus_free(c);
}

static bool corpus_check_score(const ft_evaluator *e, const ft__data_row *row, const char *answer) {
    ft_score score;
    ft_error err;
    memset(&score, 0, sizeof score);
    CHECK_OK(ft_evaluate(e, &row->row, answer, strlen(answer), &score, &err), err);
    if (CHECK(score.state == FT_SCORED && score.pass)) return true;
    test_note("%s: %s: %s", ft_evaluator_get_info(e)->name, answer, score.detail);
    return false;
}

/* The demo's own job: what is expected passes all of its evaluators, and so does the other way to say it. */
TEST(corpus, expected_answers_pass_the_demo) {
    ft_error err;
    char path[600];
    size_t n;
    char *job_text = test_read("models/demo.json", &n);
    if (!CHECK(job_text != NULL)) return;
    snprintf(path, sizeof path, "%s", test_path("demo"));
    CHECK_OK(write_corpus(path, 1, &err), err);
    test_write(test_path("demo/demo.json"), job_text, n);
    free(job_text);
    ft_job *job = ft_job_load(test_path("demo/demo.json"), NULL, &err);
    if (!CHECK_OK(job ? FT_OK : err.code, err)) return;
    CHECK_INT(job->n_rows, 1080);
    for (size_t i = 0; i < job->n_rows; i++) {
        const ft__data_row *row = &job->rows[i];
        ft__view expected = ft__json_view(ft__row_get(&row->row, "expected"));
        const ft__json *references = ft__row_get(&row->row, "references"), *choice = ft__row_get(&row->row, "choices");
        for (int e = 0; e < job->n_evaluators; e++) {
            const ft_evaluator *handle = job->evaluators[e].handle;
            if (!ft__job_applies(job, e, row) || ft_evaluator_get_info(handle)->evidence != FT_FROM_TEXT) continue;
            corpus_check_score(handle, row, expected.text);
            if (references) corpus_check_score(handle, row, references->child->text);
        }
        if (!choice) continue;
        for (const ft__json *a = choice->child; a; a = a->next)
            for (const ft__json *b = a->next; b; b = b->next) CHECK(strcmp(a->text, b->text) != 0);
        size_t answer = (size_t)ft__row_get(&row->row, "answer")->number;
        for (choice = choice->child; choice && answer; choice = choice->next) answer--;
        CHECK_TEXT(choice ? choice->text : "", expected.text);
    }
    ft_job_free(job);
}

/* What a model reads, by the template that is in the shipped base. */
static int corpus_collect(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n);
    return 0;
}

TEST(corpus, chat_template) {
    static const char input[] =
        "{\"messages\": [{\"role\": \"system\", \"content\": \"S\\nR\"}, {\"role\": \"user\", \"content\": \"U\"}],"
        " \"add_generation_prompt\": true}";
    ft_error err;
    ft__buf out;
    size_t n;
    char *source = test_read("models/chat.jinja", &n);
    if (!CHECK(source != NULL)) return;
    ft_template *chat = ft_template_parse(source, n, "chat.jinja", NULL, &err);
    ft__buf_init(&out, NULL);
    if (CHECK_OK(chat ? FT_OK : err.code, err)) {
        CHECK_OK(ft_template_render(chat, input, sizeof input - 1, NULL, corpus_collect, &out, &err), err);
        CHECK_TEXT(out.data, "<|system|>\nS\nR<|end|>\n<|user|>\nU<|end|>\n<|assistant|>\n");
    }
    ft_template_free(chat);
    ft__buf_free(&out);
    free(source);
}
