/* What tests of metrics and evaluators ask for: the answer to a line of JSON, and the score of one
   output. */
#ifndef FT_TEST_JUDGE_TEXT_H
#define FT_TEST_JUDGE_TEXT_H

#include "../src/eval/eval.h"
#include "test.h"

static int judge_collect(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n);
    return 0;
}

/* {"value": ...} or {"error": ...}, without the line end; good until the next call. */
__attribute__((unused)) static const char *metric_answer(const char *line) {
    static char text[65536];
    ft_allocator a = ft__allocator(NULL);
    ft__buf out;
    ft_error err;
    ft__buf_init(&out, &a);
    CHECK_OK(ft_metric(line, strlen(line), NULL, judge_collect, &out, &err), err);
    snprintf(text, sizeof text, "%.*s", (int)(out.len ? out.len - 1 : 0), out.data ? out.data : "");
    ft__buf_free(&out);
    return text;
}

/* The number at this path of the value ("" for the value itself); -99 if there is none. */
__attribute__((unused)) static double metric_value(const char *line, const char *path) {
    const char *answer = metric_answer(line);
    ft_allocator a = ft__allocator(NULL);
    ft__arena arena;
    ft__json *v = NULL;
    char full[64];
    double number = -99;
    snprintf(full, sizeof full, "value%s%s", path[0] ? "." : "", path);
    ft__arena_init(&arena, &a);
    if (ft__json_parse(answer, strlen(answer), "", 1, &arena, &v, NULL) == FT_OK) {
        v = ft__json_path(v, full);
        if (v && v->type == FT__JSON_NUMBER) number = v->number;
    }
    if (number == -99) test_note("%.200s", answer);
    ft__arena_free(&arena);
    return number;
}

/* Runs a metric with memory ending at every request; it must say so and leak nothing. */
__attribute__((unused)) static void check_metric_memory(const char *line) {
    ft_status status = FT_ERR_MEMORY;
    for (long fail_at = 1; status != FT_OK && fail_at < 5000; fail_at++) {
        test_memory memory = {0, 0, fail_at};
        ft_allocator a = test_allocator(&memory), own = ft__allocator(NULL);
        ft_error err = {FT_OK, "", ""};
        ft__buf out;
        ft__buf_init(&out, &own);
        status = ft_metric(line, strlen(line), &a, judge_collect, &out, &err);
        if (status != FT_OK) CHECK_INT(status, FT_ERR_MEMORY);
        else if (!CHECK(strstr(out.data, "\"value\"") != NULL)) test_note("%.200s", out.data);
        CHECK_INT(memory.live, 0);
        ft__buf_free(&out);
    }
    CHECK_INT(status, FT_OK);
}

__attribute__((unused)) static ft_score judge_bytes(const char *name, const char *params,
                                                    const char *row_json, const char *output,
                                                    size_t n) {
    ft_error err = {FT_OK, "", ""};
    ft_score s;
    ft_evaluator *e = ft_evaluator_create(name, params, NULL, &err);
    ft_row *row = ft_row_parse(row_json, strlen(row_json), NULL, &err);
    memset(&s, 0, sizeof s);
    if (CHECK(e && row)) CHECK_OK(ft_evaluate(e, row, output, n, &s, &err), err);
    else test_note("%s: %s", name, err.message);
    ft_row_free(row);
    ft_evaluator_free(e);
    return s;
}

__attribute__((unused)) static ft_score judge(const char *name, const char *params,
                                              const char *row_json, const char *output) {
    return judge_bytes(name, params, row_json, output, strlen(output));
}

#endif
