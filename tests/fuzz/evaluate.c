/* Evaluators and metrics: an evaluator's parameters, a row, an output, each after 0xFF; the first byte picks
   the evaluator.  The same bytes are a line for ft_metric.  Whatever comes, the score has a state. */
#include "fuzz.h"

static int evaluate_keep(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n);
    return 0;
}

static void evaluate_metric(const char *line, size_t n) {
    ft_allocator a = ft__allocator(NULL);
    ft__buf out;
    bool valid = false;
    ft__buf_init(&out, &a);
    fuzz_expect(ft_metric(line, n, NULL, evaluate_keep, &out, NULL) == FT_OK, "a metric needs nothing but memory");
    fuzz_expect(ft__json_valid(out.data, out.len, &a, &valid) == FT_OK && valid, "a metric writes JSON");
    ft__buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *part[3] = {"", "", ""};
    size_t n[3] = {0, 0, 0};
    ft_error err = {FT_OK, "", ""};
    if (size < 1) return 0;
    const ft_evaluator_info *info = ft_evaluator_at(data[0] % ft_evaluator_count());
    const char *p = (const char *)data + 1, *end = (const char *)data + size;
    for (int i = 0; i < 3 && p < end; i++) {
        const char *cut = (const char *)memchr(p, 0xFF, (size_t)(end - p));
        part[i] = p;
        n[i] = (size_t)((cut ? cut : end) - p);
        p = cut ? cut + 1 : end;
    }
    evaluate_metric(part[0], n[0]);
    char *params = (char *)calloc(n[0] + 1, 1);
    if (n[0]) memcpy(params, part[0], n[0]);
    ft_evaluator *e = ft_evaluator_create(info->name, n[0] ? params : NULL, NULL, &err);
    ft_row *row = ft_row_parse(part[1], n[1], NULL, &err);
    if (e && row) {
        ft_score s;
        fuzz_expect(ft_evaluate(e, row, part[2], n[2], &s, &err) == FT_OK, "a score needs nothing but memory");
        fuzz_expect(s.state != FT_SCORED || (s.value >= info->lowest && s.value <= info->highest),
                    "a score is in its range");
        fuzz_expect(s.state == FT_SCORED || (s.value == 0 && !s.pass), "an error is no score");
        for (int i = 0; i < s.n_spans && i < FT_MAX_SPANS; i++)
            fuzz_expect(s.spans[i].begin <= s.spans[i].end && s.spans[i].end <= n[2], "a span is in the output");
    }
    ft_row_free(row);
    ft_evaluator_free(e);
    free(params);
    return 0;
}
