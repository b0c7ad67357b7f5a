/* JSONL and rows: every line that is a row is scored by every evaluator against itself. */
#include "fuzz.h"

static void fuzz_score(const ft_row *row, const char *text, size_t n) {
    ft_error err;
    for (int i = 0; i < ft_evaluator_count(); i++) {
        const ft_evaluator_info *info = ft_evaluator_at(i);
        bool regex = strcmp(info->name, "regex") == 0;
        ft_score score;
        ft_evaluator *e =
            ft_evaluator_create(info->name, regex ? "{\"pattern\": \"a+b\"}" : NULL, NULL, &err);
        if (!e) continue;
        fuzz_expect(ft_evaluate(e, row, text, n, &score, &err) == FT_OK, "scoring gives a state");
        if (score.state == FT_SCORED)
            fuzz_expect(score.value >= info->lowest && score.value <= info->highest,
                        "a score is in its evaluator's range");
        ft_evaluator_free(e);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ft_error err;
    ft__arena arena;
    ft__jsonl lines;
    ft__json *value;
    ft__arena_init(&arena, NULL);
    ft__jsonl_init(&lines, (const char *)data, size, "fuzz");
    while (ft__jsonl_next(&lines, &arena, &value, &err) == FT_OK && value) {
        ft_row *row = ft_row_parse(lines.line_text, lines.line_len, NULL, &err);
        fuzz_expect((row != NULL) == (value->type == FT__JSON_OBJECT), "every object is a row");
        if (row) fuzz_score(row, lines.line_text, lines.line_len);
        ft_row_free(row);
    }
    ft__arena_free(&arena);
    return 0;
}
