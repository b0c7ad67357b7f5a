/* Our metrics against the values of the programs that they come from, one test for each file of
   ../shared/data/metrics: every row goes through ft_metric, and its value is compared as the file
   demands. */
#include "../src/eval/eval.h"
#include "test.h"

/* What one file came to. */
typedef struct vectors {
    long rows, wrong, skipped;
    char first[3][512]; /* the first that are wrong */
} vectors;

static int collect(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n);
    return 0;
}

/* An expected number: with a tolerance, relative to the larger of 1 and itself. */
static bool near(const ft__json *expected, const ft__json *got, double tolerance) {
    double e = expected->number, size = e < 0 ? -e : e;
    if (got->type != FT__JSON_NUMBER) return false;
    double difference = got->number > e ? got->number - e : e - got->number;
    return difference <= tolerance * (size > 1 ? size : 1);
}

/* Of an object only the keys that are expected count. */
static bool agrees(const ft__json *expected, const ft__json *got, double tolerance) {
    if (!got) return false;
    if (expected->type == FT__JSON_NUMBER) {
        bool whole = !memchr(expected->text, '.', expected->text_len) &&
                     !memchr(expected->text, 'e', expected->text_len);
        return near(expected, got, whole ? 0 : tolerance);
    }
    if (expected->type == FT__JSON_ARRAY && got->type == FT__JSON_ARRAY) {
        const ft__json *e = expected->child, *g = got->child;
        for (; e && g && agrees(e, g, tolerance); e = e->next) g = g->next;
        return !e && !g;
    }
    if (expected->type == FT__JSON_OBJECT && got->type == FT__JSON_OBJECT) {
        const ft__json *e = expected->child;
        while (e && agrees(e, ft__json_get(got, e->key), tolerance)) e = e->next;
        return !e;
    }
    return ft__json_equal(expected, got);
}

static void check_row(vectors *v, const ft__jsonl *reader, const ft__json *row, ft__arena *arena) {
    ft__buf out;
    ft__json *answer;
    const ft__json *tolerance = ft__json_get(row, "tol");
    v->rows++;
    ft__buf_init(&out, &arena->allocator);
    if (ft_metric(reader->line_text, reader->line_len, NULL, collect, &out, NULL) ||
        ft__json_parse(out.data, out.len, "answer", 1, arena, &answer, NULL) ||
        !agrees(ft__json_get(row, "expected"), ft__json_get(answer, "value"),
                tolerance ? tolerance->number : 0)) {
        if (v->wrong < 3)
            snprintf(v->first[v->wrong], sizeof v->first[0], "%s: %.*s",
                     ft__json_get(row, "id")->text, (int)(out.len < 400 ? out.len : 400),
                     out.data ? out.data : "");
        v->wrong++;
    }
    ft__buf_free(&out);
}

/* Rows that carry the flag `skip` (NULL: none) need what we say that we do not have. */
static void run_vectors(const char *file, const char *skip) {
    char path[128];
    size_t n;
    vectors v;
    ft__jsonl reader;
    memset(&v, 0, sizeof v);
    snprintf(path, sizeof path, "metrics/%s.jsonl", file);
    const char *shared = test_shared(path);
    if (!shared) SKIP("no ../shared");
    char *text = test_read(shared, &n);
    ft__jsonl_init(&reader, text, n, file);
    for (;;) {
        ft_allocator a = ft__allocator(NULL);
        ft__arena arena;
        ft__json *row;
        ft_error err;
        ft__arena_init(&arena, &a);
        bool read = CHECK_OK(ft__jsonl_next(&reader, &arena, &row, &err), err) && row;
        const ft__json *flag = read && skip ? ft__json_get(row, skip) : NULL;
        if (flag && flag->type == FT__JSON_TRUE) v.skipped++;
        else if (read) check_row(&v, &reader, row, &arena);
        ft__arena_free(&arena);
        if (!read) break;
    }
    free(text);
    test_note("%s: %ld of %ld rows agree, %ld left out", file, v.rows - v.wrong, v.rows, v.skipped);
    for (int i = 0; i < 3 && i < v.wrong; i++) test_note("  %s", v.first[i]);
    CHECK(v.rows > 0);
    CHECK_INT(v.wrong, 0);
}

TEST(vectors, agreement) { run_vectors("agreement", NULL); }
TEST(vectors, bfcl) { run_vectors("bfcl", NULL); }
TEST(vectors, bleu) { run_vectors("bleu", NULL); }
TEST(vectors, calibration_auc) { run_vectors("calibration_auc", NULL); }
TEST(vectors, chrf) { run_vectors("chrf", NULL); }
TEST(vectors, classification) { run_vectors("classification", NULL); }
TEST(vectors, gleu_nist) { run_vectors("gleu_nist", NULL); }
TEST(vectors, ifeval) { run_vectors("ifeval", "langdetect_sensitive"); }
TEST(vectors, json_schema) { run_vectors("json_schema", NULL); }
TEST(vectors, match) { run_vectors("match", NULL); }
TEST(vectors, meteor) { run_vectors("meteor", NULL); }
TEST(vectors, pii) { run_vectors("pii", NULL); }
TEST(vectors, porter) { run_vectors("porter", NULL); }
TEST(vectors, quasi_exact) { run_vectors("quasi_exact", NULL); }
TEST(vectors, retrieval) { run_vectors("retrieval", NULL); }
TEST(vectors, rouge) { run_vectors("rouge", NULL); }
TEST(vectors, squad) { run_vectors("squad", NULL); }
TEST(vectors, strings) { run_vectors("strings", NULL); }
TEST(vectors, ter) { run_vectors("ter", NULL); }
TEST(vectors, tokenize_sacrebleu) { run_vectors("tokenize_sacrebleu", NULL); }
TEST(vectors, wer_cer) { run_vectors("wer_cer", NULL); }
