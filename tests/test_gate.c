/* The gate: what is judged, how the verdicts add up, what is an error. */
#include "test.h"

#include "../src/release/release.h"

/* Two cohorts, two evaluators (the second: lower is better), a base and two candidates. */
typedef struct gate_case {
    ft__numbers cells[2 * 3 * 3];
    bool higher[2];
    ft__rule rules[4];
    ft__gate_in in;
    ft__gate_out out;
    ft__arena arena;
    ft_error err;
} gate_case;

static const char *const gate_cohorts[] = {"orders", "safety_eu"};
static const char *const gate_evaluators[] = {"f1", "length"};

static ft__numbers *cell(gate_case *g, int e, int c, int v) {
    return ft__table_at(&g->in.table, e, c, v);
}

static void gate_begin(gate_case *g) {
    memset(g, 0, sizeof *g);
    ft__arena_init(&g->arena, NULL);
    g->higher[0] = true;
    g->in.file = "job.json";
    g->in.rules = g->rules;
    g->in.cohorts = gate_cohorts;
    g->in.n_cohorts = 2;
    g->in.evaluators = gate_evaluators;
    g->in.higher_is_better = g->higher;
    g->in.table.n_evaluators = 2;
    g->in.table.n_cohorts = 3;
    g->in.table.n_variants = 3;
    g->in.table.cells = g->cells;
    for (int e = 0; e < 2; e++)
        for (int c = 0; c < 3; c++)
            for (int v = 0; v < 3; v++) {
                ft__numbers *n = cell(g, e, c, v);
                n->n_scored = n->n_pairs = 10;
                n->mean = 0.5;
            }
}

static void gate_rule(gate_case *g, int evaluator, const char *cohort, double max_drop,
                      double min_gain) {
    ft__rule *rule = &g->rules[g->in.n_rules++];
    rule->evaluator = evaluator;
    rule->cohort = cohort;
    rule->has_max_drop = max_drop >= 0;
    rule->has_min_gain = min_gain >= 0;
    rule->max_drop = max_drop;
    rule->min_gain = min_gain;
    rule->place = "gate.rules[0]";
    rule->line = 7;
}

static ft_status gate_run(gate_case *g) { return ft__gate(&g->in, &g->arena, &g->out, &g->err); }

TEST(gate, judges_by_the_difference_in_the_right_direction) {
    static const struct {
        int evaluator;
        double difference, max_drop, min_gain; /* a negative limit: none */
        ft_verdict verdict;
        const char *reason;
    } cases[] = {
        {0, 0, 0, -1, FT_SHIP, ""},
        {0, -0.02, 0.02, -1, FT_SHIP, ""},
        {0, 0.3 - 0.32, 0.02, -1, FT_SHIP, ""}, /* -0.020000000000000018 */
        {0, -0.021, 0.02, -1, FT_BLOCK, "dropped by 0.0210, at most 0.0200 is allowed"},
        {0, 0.5, 0, -1, FT_SHIP, ""},
        {1, 0.5, 0, -1, FT_BLOCK, "dropped by 0.5000, at most 0.0000 is allowed"},
        {1, -0.5, 0, -1, FT_SHIP, ""},
        {0, 0.05, -1, 0.05, FT_SHIP, ""},
        {0, 0.04, -1, 0.05, FT_BLOCK, "gained 0.0400, at least 0.0500 is needed"},
        {0, -0.04, -1, 0.05, FT_BLOCK, "dropped by 0.0400, at least 0.0500 is needed"},
        {0, 0, -1, 0, FT_SHIP, ""},
        {1, -0.04, -1, 0.05, FT_BLOCK, "gained 0.0400, at least 0.0500 is needed"},
        {0, 0.01, 0.02, 0.05, FT_BLOCK, "gained 0.0100, at least 0.0500 is needed"},
        {0, 0.06, 0.02, 0.05, FT_SHIP, ""},
    };
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        gate_case g;
        gate_begin(&g);
        gate_rule(&g, cases[i].evaluator, "orders", cases[i].max_drop, cases[i].min_gain);
        for (int v = 1; v < 3; v++)
            cell(&g, cases[i].evaluator, 0, v)->difference = cases[i].difference;
        CHECK_OK(gate_run(&g), g.err);
        if (CHECK_INT(g.out.n_checks, 2)) {
            CHECK_INT(g.out.checks[0].verdict, cases[i].verdict);
            CHECK_TEXT(g.out.checks[1].reason, cases[i].reason);
        }
        CHECK_INT(g.out.verdict, cases[i].verdict);
        ft__arena_free(&g.arena);
    }
}

TEST(gate, expands_a_rule_over_cohorts_and_candidates) {
    gate_case g;
    gate_begin(&g);
    gate_rule(&g, 0, "*", 0.1, -1);
    gate_rule(&g, 1, "safety_*", 0, -1);
    cell(&g, 0, 1, 2)->difference = -0.2;
    CHECK_OK(gate_run(&g), g.err);
    CHECK_INT(g.out.n_checks, 2 * 2 + 1 * 2);
    CHECK_INT(g.out.checks[3].cohort, 1);
    CHECK_INT(g.out.checks[3].variant, 2);
    CHECK_INT(g.out.checks[3].verdict, FT_BLOCK);
    CHECK_INT(g.out.variants[0], FT__NOT_JUDGED);
    CHECK_INT(g.out.variants[1], FT_SHIP);
    CHECK_INT(g.out.variants[2], FT_BLOCK);
    CHECK_INT(g.out.cohorts[0 * 3 + 2], FT_SHIP);
    CHECK_INT(g.out.cohorts[1 * 3 + 2], FT_BLOCK);
    CHECK_INT(g.out.cohorts[1 * 3 + 1], FT_SHIP);
    CHECK_INT(g.out.verdict, FT_BLOCK);
    ft__arena_free(&g.arena);
}

TEST(gate, rows_without_a_score_block) {
    gate_case g;
    gate_begin(&g);
    gate_rule(&g, 0, "orders", 0.1, -1);
    cell(&g, 0, 0, 1)->n_unscored = 3;
    cell(&g, 0, 0, 2)->n_unscored = 1;
    cell(&g, 0, 0, 2)->n_pairs = 0;
    CHECK_OK(gate_run(&g), g.err);
    CHECK_INT(g.out.checks[0].verdict, FT_BLOCK);
    CHECK_TEXT(g.out.checks[0].reason, "3 rows could not be scored");
    CHECK_INT(g.out.checks[1].verdict, FT_BLOCK);
    CHECK_TEXT(g.out.checks[1].reason, "1 row could not be scored");
    CHECK_INT(g.out.cohorts[1 * 3 + 1], FT__NOT_JUDGED);
    ft__arena_free(&g.arena);
}

TEST(gate, block_is_worse_than_insufficient_is_worse_than_ship) {
    gate_case g;
    gate_begin(&g);
    gate_rule(&g, 0, "orders", 0.1, -1);
    cell(&g, 0, 0, 1)->n_pairs = 0;
    CHECK_OK(gate_run(&g), g.err);
    CHECK_INT(g.out.checks[0].verdict, FT_INSUFFICIENT);
    CHECK_TEXT(g.out.checks[0].reason, "no row was scored for both");
    CHECK_INT(g.out.variants[2], FT_SHIP);
    CHECK_INT(g.out.verdict, FT_INSUFFICIENT);
    gate_rule(&g, 1, "orders", 0.1, -1);
    cell(&g, 1, 0, 1)->difference = 1;
    CHECK_OK(gate_run(&g), g.err);
    CHECK_INT(g.out.variants[1], FT_BLOCK);
    CHECK_INT(g.out.verdict, FT_BLOCK);
    ft__arena_free(&g.arena);
}

TEST(gate, a_rule_without_rows_is_an_error) {
    gate_case g;
    gate_begin(&g);
    gate_rule(&g, 0, "orders", 0.1, -1);
    for (int v = 0; v < 3; v++)
        cell(&g, 0, 0, v)->n_scored = 0, cell(&g, 0, 0, v)->n_not_applicable = 10;
    CHECK_ERROR(
        gate_run(&g), FT_ERR_JOB, g.err,
        "job.json:7: gate.rules[0]: the evaluator \"f1\" applies to no row of a cohort that "
        "matches \"orders\"");
    cell(&g, 0, 0, 1)->n_error = 1; /* one row that it applies to is enough */
    cell(&g, 0, 0, 1)->n_unscored = 1;
    CHECK_OK(gate_run(&g), g.err);
    CHECK_INT(g.out.verdict, FT_BLOCK);
    g.in.n_rules = 0;
    gate_rule(&g, 0, "nothing*", 0.1, -1);
    CHECK_ERROR(gate_run(&g), FT_ERR_JOB, g.err, "\"nothing*\"");
    g.in.n_rules = 0;
    gate_rule(&g, 0, "(all)", 0.1, -1); /* the line over all rows is no cohort */
    CHECK_ERROR(gate_run(&g), FT_ERR_JOB, g.err, NULL);
    ft__arena_free(&g.arena);
}

TEST(gate, survives_every_failed_allocation) {
    test_memory memory;
    gate_case g;
    ft_status status = FT_ERR_MEMORY;
    for (long fail_at = 1; status && fail_at < 100; fail_at++) {
        memset(&memory, 0, sizeof memory);
        memory.fail_at = fail_at;
        ft_allocator a = test_allocator(&memory);
        gate_begin(&g);
        ft__arena_init(&g.arena, &a);
        gate_rule(&g, 0, "*", 0.1, -1);
        cell(&g, 0, 1, 2)->difference = -0.2;
        cell(&g, 0, 1, 1)->n_unscored = 2;
        status = gate_run(&g);
        CHECK(status == FT_OK || status == FT_ERR_MEMORY);
        ft__arena_free(&g.arena);
        CHECK_INT(memory.live, 0);
    }
    CHECK_INT(status, FT_OK);
}

TEST(gate, verdicts_have_names) {
    CHECK_TEXT(ft_verdict_name(FT_SHIP), "ship");
    CHECK_TEXT(ft_verdict_name(FT_BLOCK), "block");
    CHECK_TEXT(ft_verdict_name(FT_INSUFFICIENT), "insufficient");
}

TEST(gate, a_cohort_goes_to_whom_its_checks_let_pass_and_who_won_most) {
    gate_case g;
    gate_begin(&g);
    gate_rule(&g, 0, "*", 0.1, -1);
    gate_rule(&g, 0, "*", 0.2, -1); /* the same rows again: they count once */
    gate_rule(&g, 1, "*", 0.1, -1);
    cell(&g, 0, 0, 1)->wins = 4, cell(&g, 0, 0, 1)->losses = 1;
    cell(&g, 1, 0, 2)->wins = 5, cell(&g, 0, 0, 2)->losses = 1;
    cell(&g, 0, 1, 1)->wins = 9, cell(&g, 0, 1, 1)->difference = -0.3; /* blocked */
    cell(&g, 1, 1, 2)->losses = 1;
    if (CHECK_OK(gate_run(&g), g.err)) {
        CHECK_INT(ft__gate_route(&g.in.table, &g.out, 0), 2);
        CHECK_INT(ft__gate_route(&g.in.table, &g.out, 1), 0);
        cell(&g, 0, 0, 1)->wins = 6;
        CHECK_INT(ft__gate_route(&g.in.table, &g.out, 0), 1);
        cell(&g, 0, 0, 1)->wins = 5; /* as good: the first */
        CHECK_INT(ft__gate_route(&g.in.table, &g.out, 0), 1);
    }
    ft__arena_free(&g.arena);
}
