/* The gate.  A rule becomes one check per cohort that it matches and per candidate; a check
   compares the paired difference of means with what the rule allows.  A row that could not be
   scored blocks, since the average of the others would hide it. */
#include "release.h"

/* Decimal fractions such as 0.02 are not exact; a drop of exactly what is allowed passes. */
#define FT__GATE_SLACK 1e-12

const char *ft_verdict_name(ft_verdict verdict) {
    switch (verdict) {
    case FT_SHIP: return "ship";
    case FT_BLOCK: return "block";
    case FT_INSUFFICIENT: return "insufficient";
    }
    return "unknown";
}

FT__PRIV ft__numbers *ft__table_at(const ft__table *table, int evaluator, int cohort, int variant) {
    size_t at = (size_t)evaluator * (size_t)table->n_cohorts + (size_t)cohort;
    return &table->cells[at * (size_t)table->n_variants + (size_t)variant];
}

FT__PRIV int ft__verdict_worse(int a, int b) {
    static const int rank[] = {1, 3, 2}; /* of ft_verdict */
    int rank_a = a == FT__NOT_JUDGED ? 0 : rank[a], rank_b = b == FT__NOT_JUDGED ? 0 : rank[b];
    return rank_a >= rank_b ? a : b;
}

FT__PRIV bool ft__table_applies(const ft__table *table, int evaluator, int cohort) {
    for (int v = 0; v < table->n_variants; v++) {
        const ft__numbers *n = ft__table_at(table, evaluator, cohort, v);
        if (n->n_scored || n->n_error || n->n_missing) return true;
    }
    return false;
}

static const char *ft__gate_point_reason(ft__arena *arena, const ft__rule *rule, double gain,
                                         bool dropped) {
    ft__buf text;
    ft__buf_init(&text, &arena->allocator);
    ft__buf_text(&text, gain < 0 ? "dropped by " : "gained ");
    ft__buf_fixed(&text, gain < 0 ? -gain : gain, 4);
    ft__buf_text(&text, dropped ? ", at most " : ", at least ");
    ft__buf_fixed(&text, dropped ? rule->max_drop : rule->min_gain, 4);
    ft__buf_text(&text, dropped ? " is allowed" : " is needed");
    const char *reason = text.failed ? NULL : ft__arena_text(arena, text.data, text.len);
    ft__buf_free(&text);
    return reason;
}

/* Fills the check's verdict and reason; a NULL reason means out of memory. */
static void ft__gate_judge(const ft__gate_in *in, ft__arena *arena, ft__check *check) {
    const ft__rule *rule = &in->rules[check->rule];
    const ft__numbers *n =
        ft__table_at(&in->table, check->evaluator, check->cohort, check->variant);
    double gain = in->higher_is_better[check->evaluator] ? n->difference : -n->difference;
    bool dropped = rule->has_max_drop && -gain > rule->max_drop + FT__GATE_SLACK;
    bool lacking = rule->has_min_gain && gain < rule->min_gain - FT__GATE_SLACK;
    if (n->n_unscored) {
        check->verdict = FT_BLOCK;
        check->reason = ft__arena_printf(arena, "%d %s could not be scored", n->n_unscored,
                                         n->n_unscored == 1 ? "row" : "rows");
    } else if (!n->n_pairs) {
        check->verdict = FT_INSUFFICIENT;
        check->reason = "no row was scored for both";
    } else if (dropped || lacking) {
        check->verdict = FT_BLOCK;
        check->reason = ft__gate_point_reason(arena, rule, gain, dropped);
    } else {
        check->verdict = FT_SHIP;
        check->reason = "";
    }
}

static bool ft__gate_rule_matches(const ft__gate_in *in, const ft__rule *rule, int cohort) {
    return ft__glob(rule->cohort, in->cohorts[cohort]) &&
           ft__table_applies(&in->table, rule->evaluator, cohort);
}

/* How many checks there will be; a rule without any is an error, not a pass. */
static ft_status ft__gate_count(const ft__gate_in *in, size_t *n, ft_error *err) {
    char where[384];
    *n = 0;
    for (int r = 0; r < in->n_rules; r++) {
        const ft__rule *rule = &in->rules[r];
        size_t cohorts = 0;
        for (int c = 0; c < in->n_cohorts; c++) cohorts += ft__gate_rule_matches(in, rule, c);
        if (!cohorts)
            return ft__fail(
                err, FT_ERR_JOB, ft__shape_where(in->file, rule->line, where),
                "%.120s: the evaluator \"%.80s\" applies to no row of a cohort that matches "
                "\"%.80s\"",
                rule->place, in->evaluators[rule->evaluator], rule->cohort);
        *n += cohorts * (size_t)(in->table.n_variants - 1);
        if (*n > INT_MAX) return ft__fail(err, FT_ERR_LIMIT, in->file, "too many checks");
    }
    return FT_OK;
}

/* Takes the check's verdict into those of its cohort, its candidate and all. */
static void ft__gate_collect(const ft__gate_in *in, const ft__check *check, ft__gate_out *out) {
    size_t at = (size_t)check->cohort * (size_t)in->table.n_variants + (size_t)check->variant;
    out->cohorts[at] = ft__verdict_worse(out->cohorts[at], check->verdict);
    out->variants[check->variant] =
        ft__verdict_worse(out->variants[check->variant], check->verdict);
    out->verdict = (ft_verdict)ft__verdict_worse(out->verdict, check->verdict);
}

FT__PRIV ft_status ft__gate(const ft__gate_in *in, ft__arena *arena, ft__gate_out *out,
                            ft_error *err) {
    size_t n_checks, n_cells;
    int n_variants = in->table.n_variants;
    memset(out, 0, sizeof *out);
    ft_status status = ft__gate_count(in, &n_checks, err);
    if (status) return status;
    if (!ft__mul_size((size_t)in->n_cohorts, (size_t)n_variants, &n_cells))
        return ft__fail_memory(err);
    out->checks = (ft__check *)ft__arena_alloc(arena, n_checks, sizeof *out->checks);
    out->cohorts = (int *)ft__arena_alloc(arena, n_cells, sizeof *out->cohorts);
    out->variants = (int *)ft__arena_alloc(arena, (size_t)n_variants, sizeof *out->variants);
    if (!out->checks || !out->cohorts || !out->variants) return ft__fail_memory(err);
    for (size_t i = 0; i < n_cells; i++) out->cohorts[i] = FT__NOT_JUDGED;
    for (int v = 0; v < n_variants; v++) out->variants[v] = FT__NOT_JUDGED;
    for (int r = 0; r < in->n_rules; r++) {
        for (int c = 0; c < in->n_cohorts; c++) {
            if (!ft__gate_rule_matches(in, &in->rules[r], c)) continue;
            for (int v = 1; v < n_variants; v++) {
                ft__check *check = &out->checks[out->n_checks++];
                check->rule = r;
                check->evaluator = in->rules[r].evaluator;
                check->cohort = c;
                check->variant = v;
                ft__gate_judge(in, arena, check);
                if (!check->reason) return ft__fail_memory(err);
                ft__gate_collect(in, check, out);
            }
        }
    }
    return FT_OK;
}

#undef FT__GATE_SLACK

/* Several checks of one evaluator look at the same rows: they count once. */
static double ft__gate_won(const ft__table *table, const ft__gate_out *gate, int cohort, int variant) {
    double won = 0;
    for (int e = 0; e < table->n_evaluators; e++) {
        const ft__numbers *n = ft__table_at(table, e, cohort, variant);
        int i = 0;
        while (i < gate->n_checks && (gate->checks[i].evaluator != e || gate->checks[i].cohort != cohort ||
                                      gate->checks[i].variant != variant))
            i++;
        if (i < gate->n_checks && n->n_pairs) won += (double)(n->wins - n->losses) / n->n_pairs;
    }
    return won;
}

FT__PRIV int ft__gate_route(const ft__table *table, const ft__gate_out *gate, int cohort) {
    int best = 0;
    double most = 0;
    for (int v = 1; v < table->n_variants; v++) {
        if (gate->cohorts[cohort * table->n_variants + v] != FT_SHIP) continue;
        const double won = ft__gate_won(table, gate, cohort, v);
        if (won > most) most = won, best = v;
    }
    return best;
}
