/* What every evaluator of the registry promises, on one row each: the best output gets the best value,
   a bad one does not pass, values stay in their range, nothing depends on order or threads, bad input
   gives a state and not a crash, memory may end anywhere, long outputs take linear time. */
#include "../src/io/json.h"
#include "evaluator_samples.h"
#include "test.h"

static const evaluator_sample *sample_of(const char *name) {
    for (size_t i = 0; i < FT__COUNT(evaluator_samples); i++)
        if (strcmp(evaluator_samples[i].name, name) == 0) return &evaluator_samples[i];
    return NULL;
}

/* Where likelihoods are judged, a sample's output is a list of log-probs. */
static int read_options(const char *text, size_t n, ft_likelihood options[16]) {
    int n_options = 0;
    for (size_t i = 0; i < n && n_options < 16;) {
        size_t used = i;
        while (used < n && text[used] != ' ') used++;
        ft_likelihood l = {0, 1, 1};
        if (!ft__number_parse(text + i, used - i, &l.logprob)) return 0;
        options[n_options++] = l;
        i = used + 1;
    }
    return n_options;
}

static ft_status evaluate(const ft_evaluator *e, const ft_row *row, const char *text, size_t n,
                          ft_score *s, ft_error *err) {
    ft_likelihood options[16];
    ft_output output = {text, n, NULL, NULL, 0};
    bool digits = n < 100;
    for (size_t i = 0; i < n && digits; i++)
        digits = text && (text[i] == '-' || text[i] == ' ' || (text[i] >= '0' && text[i] <= '9'));
    if (text && digits) output.n_options = read_options(text, n, options);
    if (text && digits) output.options = options;
    return ft_evaluate_output(e, row, &output, s, err);
}

static ft_score score(const evaluator_sample *sample, const char *row_json, const char *output,
                      size_t n) {
    ft_error err = {FT_OK, "", ""};
    ft_score s;
    ft_evaluator *e = ft_evaluator_create(sample->name, sample->params, NULL, &err);
    ft_row *row = ft_row_parse(row_json, strlen(row_json), NULL, &err);
    memset(&s, 0, sizeof s);
    if (!e || !row) test_note("%s: %s", sample->name, err.message);
    if (CHECK(e && row)) CHECK_OK(evaluate(e, row, output, n, &s, &err), err);
    ft_row_free(row);
    ft_evaluator_free(e);
    return s;
}

static void check_state(const ft_evaluator_info *info, const ft_score *s) {
    bool fine = s->state == FT_SCORED
                    ? s->value >= info->lowest && s->value <= info->highest
                    : s->state == FT_SCORE_ERROR && s->detail[0] && s->value == 0 && !s->pass;
    if (!fine) test_note("%s: state %d, value %g", info->name, s->state, s->value);
    CHECK(fine);
    for (int i = 0; i < s->n_spans && i < FT_MAX_SPANS; i++)
        CHECK(s->spans[i].begin <= s->spans[i].end && s->spans[i].what != NULL);
}

TEST(invariants, every_evaluator_has_a_sample) {
    for (int i = 0; i < ft_evaluator_count(); i++) {
        const ft_evaluator_info *info = ft_evaluator_at(i);
        if (!sample_of(info->name)) test_note("%s has no sample", info->name);
        CHECK(sample_of(info->name) != NULL);
        for (int j = 0; j < i; j++) CHECK(strcmp(ft_evaluator_at(j)->name, info->name) != 0);
        CHECK(strstr(info->params, "\"threshold\"") != NULL);
        CHECK(strncmp(info->signature, info->name, strlen(info->name)) == 0);
    }
}

TEST(invariants, best_is_best_and_bad_is_bad) {
    for (int i = 0; i < ft_evaluator_count(); i++) {
        const ft_evaluator_info *info = ft_evaluator_at(i);
        const evaluator_sample *sample = sample_of(info->name);
        if (!sample) continue;
        ft_score best = score(sample, sample->row, sample->best, strlen(sample->best));
        ft_score bad = score(sample, sample->row, sample->bad, strlen(sample->bad));
        check_state(info, &best);
        check_state(info, &bad);
        double end = info->higher_is_better ? info->highest : info->lowest;
        if (best.value != end || !best.pass || bad.pass)
            test_note("%s: best %g (%s), bad %g", info->name, best.value, best.detail, bad.value);
        CHECK(best.state == FT_SCORED && best.pass && !bad.pass);
        CHECK_NEAR(best.value, end, 1e-12);
        CHECK(info->higher_is_better ? bad.value < best.value : bad.value > best.value);
    }
}

/* Every prefix of the good output, every single byte, and a few more. */
TEST(invariants, any_output_has_a_state) {
    for (int i = 0; i < ft_evaluator_count(); i++) {
        const ft_evaluator_info *info = ft_evaluator_at(i);
        const evaluator_sample *sample = sample_of(info->name);
        static const char *const others[] = {"\xFF\xFE", "a\xC3", "\xED\xA0\x80", "\xF4\x90\x80\x80 x",
                                             " \n\t ", "\xE2\x80\x8B", "{}", "[[[[", "\"", "a\\"};
        if (!sample) continue;
        for (size_t n = 0; n <= strlen(sample->best); n++) {
            ft_score s = score(sample, sample->row, sample->best, n);
            check_state(info, &s);
        }
        for (int c = 0; c < 256; c++) {
            char one = (char)c;
            ft_score s = score(sample, sample->row, &one, 1);
            check_state(info, &s);
        }
        for (size_t k = 0; k < FT__COUNT(others); k++) {
            ft_score s = score(sample, sample->row, others[k], strlen(others[k]));
            check_state(info, &s);
        }
        ft_score missing = score(sample, sample->row, NULL, 0);
        CHECK_INT(missing.state, FT_MISSING);
    }
}

TEST(invariants, a_row_without_what_is_needed_is_an_error) {
    for (int i = 0; i < ft_evaluator_count(); i++) {
        const ft_evaluator_info *info = ft_evaluator_at(i);
        const evaluator_sample *sample = sample_of(info->name);
        if (!sample || !info->fields[0]) continue;
        ft_score s = score(sample, "{}", sample->best, strlen(sample->best));
        CHECK_INT(s.state, FT_SCORE_ERROR);
        CHECK(s.detail[0] != 0);
    }
}

TEST(invariants, memory_may_end_anywhere) {
    for (int i = 0; i < ft_evaluator_count(); i++) {
        const evaluator_sample *sample = sample_of(ft_evaluator_at(i)->name);
        bool done = !sample;
        for (long fail_at = 1; !done && fail_at < 20000; fail_at++) {
            test_memory memory = {0, 0, fail_at};
            ft_allocator a = test_allocator(&memory);
            ft_error err = {FT_OK, "", ""};
            ft_score s;
            ft_status status = FT_ERR_MEMORY;
            ft_evaluator *e = ft_evaluator_create(sample->name, sample->params, &a, &err);
            ft_row *row = e ? ft_row_parse(sample->row, strlen(sample->row), &a, &err) : NULL;
            if (row) status = evaluate(e, row, sample->best, strlen(sample->best), &s, &err);
            ft_row_free(row);
            ft_evaluator_free(e);
            done = status == FT_OK || err.code != FT_ERR_MEMORY || memory.live != 0;
            CHECK_INT(memory.live, 0);
            if (status != FT_OK) CHECK_INT(err.code, FT_ERR_MEMORY);
        }
        CHECK(done);
    }
}

/* One evaluator and one row serve all threads. */
typedef struct shared_work {
    const ft_evaluator *evaluator;
    const ft_row *row;
    const char *output;
    ft_score scores[16];
} shared_work;

static void score_shared(void *user, int part) {
    shared_work *w = (shared_work *)user;
    ft_error err;
    evaluate(w->evaluator, w->row, w->output, strlen(w->output), &w->scores[part], &err);
}

TEST(invariants, threads_make_no_difference) {
    ft_allocator a = ft__allocator(NULL);
    ft_error err;
    ft__pool *pool = ft__pool_create(4, &a, &err);
    for (int i = 0; i < ft_evaluator_count(); i++) {
        const evaluator_sample *sample = sample_of(ft_evaluator_at(i)->name);
        if (!sample) continue;
        ft_evaluator *e = ft_evaluator_create(sample->name, sample->params, NULL, &err);
        ft_row *row = ft_row_parse(sample->row, strlen(sample->row), NULL, &err);
        shared_work w;
        memset(&w, 0, sizeof w);
        w.evaluator = e;
        w.row = row;
        w.output = sample->best;
        if (CHECK(e && row)) ft__pool_run(pool, score_shared, &w, 16);
        for (int k = 1; k < 16; k++) CHECK(w.scores[k].value == w.scores[0].value);
        ft_row_free(row);
        ft_evaluator_free(e);
    }
    ft__pool_free(pool);
}

/* Those that README.md calls symmetric. */
TEST(invariants, symmetric_where_promised) {
    static const char *const names[] = {"exact_match", "token_f1", "edit_distance", "levenshtein", "lcs",
                                        "fuzz_ratio", "rouge1", "rouge2", "rougeL", "gleu", "json_equal",
                                        "json_fields"};
    static const char *const texts[] = {
        "the cat sat on the mat", "the cat sat", "on the mat the cat sat today", "a an the", "Caf\u00e9 au lait",
        "caf\u00e9", "one two two three", "two one two"};
    static const char *const values[] = {"{\"a\": 1, \"b\": [1, 2]}", "{\"b\": [1, 2], \"a\": 1.0}",
                                         "{\"a\": 1}", "[1, 2, 3]", "[1, 2]", "\"x\""};
    for (size_t i = 0; i < FT__COUNT(names); i++) {
        bool json = strncmp(names[i], "json", 4) == 0;
        size_t n = json ? FT__COUNT(values) : FT__COUNT(texts);
        evaluator_sample sample = {names[i], NULL, NULL, NULL, NULL};
        for (size_t k = 0; k < n * n; k++) {
            double value[2];
            ft_score s[2];
            for (int way = 0; way < 2; way++) {
                size_t a = way ? k / n : k % n, b = way ? k % n : k / n;
                char row[256];
                ft_error err;
                snprintf(row, sizeof row, json ? "{\"expected\": %s}" : "{\"expected\": \"%s\"}",
                         json ? values[a] : texts[a]);
                if (json && values[a][0] == '"') snprintf(row, sizeof row, "{\"expected\": \"\\\"x\\\"\"}");
                ft_row *other = NULL;
                char holder[256];
                snprintf(holder, sizeof holder, "{\"o\": \"%s\"}", json ? "" : texts[b]);
                other = ft_row_parse(holder, strlen(holder), NULL, &err);
                size_t n_out;
                const char *out = json ? values[b] : ft_row_field(other, "o", &n_out);
                if (json) n_out = strlen(out);
                s[way] = score(&sample, row, out, n_out);
                value[way] = s[way].value;
                ft_row_free(other);
            }
            if (s[0].state != FT_SCORED || s[1].state != FT_SCORED) continue; /* nothing to compare with */
            if (!CHECK_NEAR(value[0], value[1], 1e-12)) test_note("%s, pair %d", names[i], (int)k);
        }
    }
}

/* A megabyte in a second or so; those that are slower say so in their documentation. */
TEST(invariants, long_outputs) {
    enum { N = 1000000 };
    char *text = (char *)malloc(N + 1);
    text[N] = 0;
    for (int fill = 0; fill < 4; fill++) {
        static const char pattern[] = "aB1.\xC3\xA9 ";
        for (int i = 0; i < N; i++)
            text[i] = fill == 0   ? 'a'
                      : fill == 1 ? pattern[i % (int)(sizeof pattern - 1)]
                      : fill == 2 ? "[{("[i % 3]
                                  : "the number 12, said Ann. "[i % 25];
        for (int i = 0; i < ft_evaluator_count(); i++) {
            const evaluator_sample *sample = sample_of(ft_evaluator_at(i)->name);
            if (!sample) continue;
            double start = ft__seconds();
            ft_score s = score(sample, sample->row, text, N);
            double took = ft__seconds() - start;
            check_state(ft_evaluator_at(i), &s);
            if (took > 2) test_note("%s took %.1f s for text %d", sample->name, took, fill);
            CHECK(took < 5);
        }
    }
    free(text);
}

/* Small things that once went wrong, an evaluator each. */
TEST(invariants, what_went_wrong_before) {
    static const struct {
        const char *name, *params, *row, *output;
        size_t n;
        double value;
    } rows[] = {
        {"format", "{\"ascii\": true}", "{}", "hello\xC2\xA0", 7, 0},
        {"format", "{\"ascii\": true}", "{}", " hello ", 7, 1},
        {"label", "{}", "{\"expected\": \"yes\"}", "yes\0", 4, 0},
        {"tool_call", "{}", "{\"expected_tools\": [{\"name\": \"f\", \"arguments\": {\"id\": 9007199254740993}}]}",
         "{\"name\": \"f\", \"arguments\": {\"id\": 9007199254740992}}", 53, 0},
        {"tool_call", "{}", "{\"expected_tools\": [{\"name\": \"f\", \"arguments\": {\"id\": 9007199254740993}}]}",
         "{\"name\": \"f\", \"arguments\": {\"id\": 9007199254740993}}", 53, 1},
        {"trajectory_loops", "{}", "{}", "f(id=9007199254740993)\nf(id=9007199254740992)", 45, 0},
        {"trajectory_loops", "{}", "{}", "f(id=1.0)\nf(id=1)", 17, 0.5},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        evaluator_sample sample = {rows[i].name, rows[i].params, NULL, NULL, NULL};
        ft_score s = score(&sample, rows[i].row, rows[i].output, rows[i].n);
        CHECK_INT(s.state, FT_SCORED);
        if (!CHECK_NEAR(s.value, rows[i].value, 0)) test_note("%s, row %d: %s", rows[i].name, (int)i, s.detail);
    }
    static const char *const refused[][2] = {{"pii", "{\"types\": []}"}, {"prompt_injection", "{\"kinds\": []}"}};
    for (size_t i = 0; i < FT__COUNT(refused); i++) {
        ft_error err = {FT_OK, "", ""};
        CHECK(!ft_evaluator_create(refused[i][0], refused[i][1], NULL, &err));
        CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, "null or a list");
    }
}
