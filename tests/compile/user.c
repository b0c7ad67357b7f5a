/* The other unit: a caller that sees the interface only.  It asks for every kind of thing that
   needs no model; the exit code is 0 if all answers are right.  Compiled as C and as C++. */
#include "ft.h"

#include <stdio.h>
#include <string.h>

static int sum(void *user, const char *bytes, size_t n) {
    (void)bytes;
    *(size_t *)user += n;
    return 0;
}

int main(void) {
    static const char row_text[] = "{\"prompt\": \"2 + 2?\", \"expected\": \"4\"}";
    ft_error err;
    ft_score score;
    size_t n = 0;
    ft_evaluator *evaluator = ft_evaluator_create("exact_match", NULL, NULL, &err);
    ft_row *row = ft_row_parse(row_text, strlen(row_text), NULL, &err);
    if (!evaluator || !row) return 1;
    if (ft_evaluate(evaluator, row, "4", 1, &score, &err) != FT_OK) return 2;
    if (score.state != FT_SCORED || !score.pass) return 3;
    ft_row_free(row);
    ft_evaluator_free(evaluator);
    if (ft_model_load("no such file", NULL, &err) || err.code != FT_ERR_NOT_FOUND) return 4;
    if (ft_info("no such file", true, sum, &n, &err) != FT_ERR_NOT_FOUND || n != 0) return 5;
    if (strcmp(ft_status_name(FT_ERR_JOB), "FT_ERR_JOB") != 0) return 6;
    if (ft_job_load("no such file", NULL, &err)) return 7;
    ft_model_free(NULL);
    ft_session_free(NULL);
    ft_result_free(NULL);
    printf("ft %s\n", FT_VERSION);
    return 0;
}
