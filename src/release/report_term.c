/* The result for a person at a terminal: verdicts first, then the table, then why a check failed
   with its worst rows.  Every text that comes from a model, a row or a job goes through one
   function that makes control characters visible, so that no answer can move the cursor or colour
   the screen. */
#include "release.h"

enum { FT__REPORT_MAX_CHECKS = 20, FT__REPORT_MAX_ROWS = 3 };

typedef enum ft__report_style {
    FT__REPORT_SHIP,
    FT__REPORT_BLOCK,
    FT__REPORT_INSUFFICIENT, /* in the order of ft_verdict */
    FT__REPORT_PLAIN,
    FT__REPORT_BOLD,
    FT__REPORT_DIM
} ft__report_style;

typedef struct ft__report {
    const ft_result *r;
    int width, column;
    bool color;
    ft__buf line;
    ft_write_fn write;
    void *user;
    ft_error *err;
    ft_status status; /* the first failure; after it nothing more is written */
} ft__report;

/* ---- cells */

/* Characters that draw nothing or turn the text around. */
static bool ft__report_invisible(uint32_t c) {
    static const uint32_t ranges[][2] = {{0, 0x1F},        {0x7F, 0x9F},     {0x061C, 0x061C},
                                         {0x200B, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F},
                                         {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F}};
    for (size_t i = 0; i < FT__COUNT(ranges); i++)
        if (c >= ranges[i][0] && c <= ranges[i][1]) return true;
    return false;
}

/* One character as it is shown; returns its columns, *n its bytes. */
static int ft__report_show(uint32_t c, char out[16], size_t *n) {
    if (c == FT__BAD_UTF8) c = 0xFFFD;
    if (!ft__report_invisible(c)) {
        *n = (size_t)ft__utf8_encode(c, out);
        return 1;
    }
    if (c == '\n' || c == '\r' || c == '\t')
        *n = (size_t)snprintf(out, 16, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else
        *n = (size_t)snprintf(out, 16, c < 0x100 ? "\\x%02x" : "\\u{%x}", (unsigned)c);
    return (int)*n;
}

/* Columns of a text, counted up to `most`. */
static int ft__report_columns(const char *text, size_t len, int most) {
    char shown[16];
    size_t n;
    int columns = 0;
    for (const char *p = text, *end = text + len; p < end && columns <= most;)
        columns += ft__report_show(ft__utf8_next(&p, end), shown, &n);
    return columns;
}

static void ft__report_blanks(ft__report *p, int n) {
    for (; n > 0 && p->column < p->width; n--, p->column++) ft__buf_byte(&p->line, ' ');
}

/* A cell of `width` columns (0: as many as the text has), cut where the line ends. */
static void ft__report_cell(ft__report *p, const char *text, size_t len, int width, bool right,
                            ft__report_style style) {
    static const char *const colors[] = {"\x1b[32m", "\x1b[31m", "\x1b[33m",
                                         "",         "\x1b[1m",  "\x1b[2m"};
    int room = p->width - p->column, columns, used = 0;
    if (width && width < room) room = width;
    columns = ft__report_columns(text, len, room);
    bool cut = columns > room;
    if (cut) columns = room;
    if (right && width) ft__report_blanks(p, room - columns);
    if (p->color) ft__buf_text(&p->line, colors[style]);
    for (const char *at = text, *end = text + len; at < end;) {
        char shown[16];
        size_t n;
        int more = ft__report_show(ft__utf8_next(&at, end), shown, &n);
        if (used + more > room - cut) break;
        ft__buf_add(&p->line, shown, n);
        used += more;
    }
    if (cut && room > 0) {
        ft__buf_text(&p->line, "\xE2\x80\xA6");
        used++;
    }
    if (p->color && colors[style][0]) ft__buf_text(&p->line, "\x1b[0m");
    p->column += used;
    if (!right && width) ft__report_blanks(p, width - used);
}

static void ft__report_text(ft__report *p, const char *text, int width, ft__report_style style) {
    ft__report_cell(p, text, strlen(text), width, false, style);
}

static void ft__report_right(ft__report *p, const char *text, int width, ft__report_style style) {
    ft__report_cell(p, text, strlen(text), width, true, style);
}

static void ft__report_number(ft__report *p, double value, bool sign, int width) {
    ft__buf text;
    ft__buf_init(&text, &p->r->allocator);
    if (sign && value > 0) ft__buf_byte(&text, '+');
    ft__buf_fixed(&text, value, value > 9999 || value < -9999 ? 0 : 4);
    if (text.failed)
        p->line.failed = true;
    else
        ft__report_cell(p, text.data, text.len, width, true, FT__REPORT_PLAIN);
    ft__buf_free(&text);
}

static void ft__report_end(ft__report *p) {
    while (p->line.len && p->line.data[p->line.len - 1] == ' ') p->line.len--;
    ft__buf_byte(&p->line, '\n');
    if (p->line.failed && !p->status) p->status = ft__fail_memory(p->err);
    if (!p->status && p->write(p->user, p->line.data, p->line.len) != 0)
        p->status = ft__fail(p->err, FT_ERR_CANCELLED, NULL, "the report's receiver asked to stop");
    p->line.len = 0;
    p->column = 0;
}

/* ---- verdicts */

/* Words in capitals where they decide. */
static const char *ft__report_verdict(int verdict) {
    static const char *const words[] = {"SHIP", "BLOCK", "INSUFFICIENT"};
    return verdict == FT__NOT_JUDGED ? "-" : words[verdict];
}

static ft__report_style ft__report_verdict_style(int verdict) {
    return verdict == FT__NOT_JUDGED ? FT__REPORT_DIM : (ft__report_style)verdict;
}

static void ft__report_headline(ft__report *p) {
    const ft_result *r = p->r;
    const ft_job *job = r->job;
    int widest = 0;
    for (int v = 1; v < job->n_variants; v++) {
        int n = ft__report_columns(job->variants[v].name, strlen(job->variants[v].name), 40);
        if (n > widest) widest = n;
    }
    ft__report_text(p, ft__report_verdict(r->gate.verdict), 0, (ft__report_style)r->gate.verdict);
    ft__report_text(p, "  ", 0, FT__REPORT_PLAIN);
    ft__report_text(p, job->name, 0, FT__REPORT_BOLD);
    ft__report_end(p);
    ft__report_end(p);
    for (int v = 1; v < job->n_variants; v++) {
        int checks = 0, passed = 0;
        char counts[64];
        for (int i = 0; i < r->gate.n_checks; i++) {
            if (r->gate.checks[i].variant != v) continue;
            checks++;
            passed += r->gate.checks[i].verdict == FT_SHIP;
        }
        snprintf(counts, sizeof counts, "%d of %d checks passed", passed, checks);
        ft__report_text(p, job->variants[v].name, widest < 40 ? widest : 40, FT__REPORT_BOLD);
        ft__report_text(p, "  ", 0, FT__REPORT_PLAIN);
        ft__report_text(p, ft__report_verdict(r->gate.variants[v]), 14,
                        ft__report_verdict_style(r->gate.variants[v]));
        ft__report_text(p, counts, 0, FT__REPORT_PLAIN);
        ft__report_end(p);
    }
    ft__report_end(p);
}

/* ---- the table */

typedef struct ft__report_widths {
    int cohort, evaluator;
} ft__report_widths;

enum { FT__REPORT_N = 6, FT__REPORT_MEAN = 9, FT__REPORT_WON = 9, FT__REPORT_VERDICT = 14 };

/* The names take what they need of what the numbers leave. */
static ft__report_widths ft__report_measure(const ft__report *p) {
    const ft_job *job = p->r->job;
    ft__report_widths w = {6, 9};
    int room =
        p->width - FT__REPORT_N - 3 * FT__REPORT_MEAN - FT__REPORT_WON - FT__REPORT_VERDICT - 1;
    for (int c = 0; c < p->r->table.n_cohorts; c++) {
        const char *name = ft__result_cohort(p->r, c);
        int n = ft__report_columns(name, strlen(name), 200);
        if (n > w.cohort) w.cohort = n;
    }
    for (int e = 0; e < job->n_evaluators; e++) {
        int n = ft__report_columns(job->evaluators[e].name, strlen(job->evaluators[e].name), 200);
        if (n > w.evaluator) w.evaluator = n;
    }
    if (room < 14) room = 14;
    if (w.cohort + w.evaluator > room) {
        int half = room / 2;
        if (w.evaluator <= half)
            w.cohort = room - w.evaluator;
        else if (w.cohort <= half)
            w.evaluator = room - w.cohort;
        else
            w.cohort = half, w.evaluator = room - half;
    }
    return w;
}

/* The worst verdict of the checks on this cell of the table. */
static int ft__report_cell_verdict(const ft_result *r, int evaluator, int cohort, int variant) {
    int worst = FT__NOT_JUDGED;
    for (int i = 0; i < r->gate.n_checks; i++) {
        const ft__check *check = &r->gate.checks[i];
        if (check->evaluator == evaluator && check->cohort == cohort && check->variant == variant)
            worst = ft__verdict_worse(worst, check->verdict);
    }
    return worst;
}

static void ft__report_table_line(ft__report *p, const ft__report_widths *w, int cohort,
                                  int evaluator, int variant, bool first) {
    const ft_result *r = p->r;
    const ft__numbers *base = ft__table_at(&r->table, evaluator, cohort, 0);
    const ft__numbers *n = ft__table_at(&r->table, evaluator, cohort, variant);
    int verdict = ft__report_cell_verdict(r, evaluator, cohort, variant);
    char text[48];
    ft__report_text(p, first ? ft__result_cohort(r, cohort) : "", w->cohort, FT__REPORT_PLAIN);
    ft__report_blanks(p, 1);
    ft__report_text(p, r->job->evaluators[evaluator].name, w->evaluator, FT__REPORT_PLAIN);
    snprintf(text, sizeof text, "%d", n->n_pairs);
    ft__report_right(p, text, FT__REPORT_N, FT__REPORT_PLAIN);
    if (base->n_scored)
        ft__report_number(p, base->mean, false, FT__REPORT_MEAN);
    else
        ft__report_right(p, "-", FT__REPORT_MEAN, FT__REPORT_PLAIN);
    if (n->n_scored)
        ft__report_number(p, n->mean, false, FT__REPORT_MEAN);
    else
        ft__report_right(p, "-", FT__REPORT_MEAN, FT__REPORT_PLAIN);
    if (n->n_pairs)
        ft__report_number(p, n->difference, true, FT__REPORT_MEAN);
    else
        ft__report_right(p, "-", FT__REPORT_MEAN, FT__REPORT_PLAIN);
    snprintf(text, sizeof text, "%d/%d", n->wins, n->losses);
    ft__report_right(p, text, FT__REPORT_WON, FT__REPORT_PLAIN);
    ft__report_blanks(p, 2);
    if (n->n_unscored && verdict == FT__NOT_JUDGED) {
        snprintf(text, sizeof text, "%d unscored", n->n_unscored);
        ft__report_text(p, text, 0, FT__REPORT_BLOCK);
    } else {
        ft__report_text(p, ft__report_verdict(verdict), 0, ft__report_verdict_style(verdict));
    }
    ft__report_end(p);
}

static void ft__report_table_head(ft__report *p, const ft__report_widths *w,
                                  const char *candidate) {
    ft__report_text(p, "cohort", w->cohort, FT__REPORT_BOLD);
    ft__report_blanks(p, 1);
    ft__report_text(p, "evaluator", w->evaluator, FT__REPORT_BOLD);
    ft__report_right(p, "n", FT__REPORT_N, FT__REPORT_BOLD);
    ft__report_right(p, "base", FT__REPORT_MEAN, FT__REPORT_BOLD);
    ft__report_blanks(p, 1);
    ft__report_right(p, candidate, FT__REPORT_MEAN - 1, FT__REPORT_BOLD);
    ft__report_right(p, "diff", FT__REPORT_MEAN, FT__REPORT_BOLD);
    ft__report_right(p, "won/lost", FT__REPORT_WON, FT__REPORT_BOLD);
    ft__report_blanks(p, 2);
    ft__report_text(p, "verdict", 0, FT__REPORT_BOLD);
    ft__report_end(p);
}

/* Over all rows together: "over all rows: f1_macro 0.61, base 0.58". */
static void ft__report_corpora(ft__report *p, int variant) {
    const ft_result *r = p->r;
    bool any = false;
    for (int e = 0; e < r->job->n_evaluators; e++) {
        const int every = r->table.n_cohorts - 1;
        const ft__json *base = ft__table_at(&r->table, e, every, 0)->corpus;
        const ft__json *corpus = ft__table_at(&r->table, e, every, variant)->corpus;
        double value, before;
        if (!base || !corpus || !ft__aggregate_shown(r->job, e, base, &before)) continue;
        const char *name = ft__aggregate_shown(r->job, e, corpus, &value);
        if (!name) continue;
        ft__report_text(p, r->job->evaluators[e].name, 0, FT__REPORT_PLAIN);
        ft__report_text(p, " over all rows together: ", 0, FT__REPORT_DIM);
        ft__report_text(p, name, 0, FT__REPORT_PLAIN);
        ft__report_blanks(p, 1);
        ft__report_number(p, value, false, 0);
        ft__report_text(p, ", base ", 0, FT__REPORT_DIM);
        ft__report_number(p, before, false, 0);
        ft__report_end(p);
        any = true;
    }
    if (any) ft__report_end(p);
}

static void ft__report_ratio(ft__report *p, const char *label, double n, double of) {
    ft__report_text(p, label, 0, FT__REPORT_DIM);
    if (of > 0) ft__report_number(p, n / of, false, 0);
    else ft__report_text(p, "-", 0, FT__REPORT_PLAIN);
}

/* "token by token: KL divergence 0.0312 nats, top-1 agreement 0.9400, acceptance rate 0.9100, ..." */
static void ft__report_tokens(ft__report *p, int variant) {
    ft__token_sums s;
    if (!ft__tokens_sum(p->r, p->r->table.n_cohorts - 1, variant, &s)) return;
    ft__report_ratio(p, "token by token: KL divergence ", s.kl, s.places);
    ft__report_ratio(p, ", top-1 agreement ", s.agree, s.places);
    ft__report_ratio(p, ", acceptance rate ", s.accepted, s.output);
    ft__report_end(p);
    ft__report_end(p);
}

static void ft__report_table(ft__report *p, int variant) {
    const ft_result *r = p->r;
    ft__report_widths w = ft__report_measure(p);
    ft__report_table_head(p, &w, r->job->variants[variant].name);
    for (int i = 0; i < r->table.n_cohorts && !p->status; i++) {
        int cohort = i ? i - 1 : r->table.n_cohorts - 1; /* all rows first */
        bool first = true;
        for (int e = 0; e < r->job->n_evaluators; e++) {
            if (!ft__table_applies(&r->table, e, cohort)) continue;
            ft__report_table_line(p, &w, cohort, e, variant, first);
            first = false;
        }
    }
    ft__report_end(p);
    ft__report_corpora(p, variant);
    ft__report_tokens(p, variant);
}

/* ---- why a check failed */

static bool ft__report_in_cohort(const ft__data_row *row, int cohort) {
    for (int c = 0; c < row->n_cohorts; c++)
        if (row->cohorts[c] == cohort) return true;
    return false;
}

/* How bad a row is for the check: what could not be scored first, then the loss.  Where a gain is
   asked for, a row that stays as it was is bad enough.  False: the row is not bad. */
static bool ft__report_badness(const ft_result *r, const ft__check *check, size_t row,
                               double *badness) {
    const ft__row_score *base = ft__result_score(r, check->evaluator, row, 0);
    const ft__row_score *s = ft__result_score(r, check->evaluator, row, check->variant);
    if (!ft__report_in_cohort(&r->job->rows[row], check->cohort)) return false;
    *badness = DBL_MAX;
    if (ft__row_unscored(base) || ft__row_unscored(s)) return true;
    if (base->state != FT_SCORED || s->state != FT_SCORED) return false;
    *badness =
        r->higher_is_better[check->evaluator] ? base->value - s->value : s->value - base->value;
    return r->job->rules[check->rule].has_min_gain ? *badness >= 0 : *badness > 0;
}

static void ft__report_label(ft__report *p, const char *label) {
    ft__report_blanks(p, 6);
    ft__report_text(p, label, 10, FT__REPORT_DIM);
    ft__report_blanks(p, 1);
}

/* What the row expects, as text: a string as it is, anything else as JSON. */
static void ft__report_expected(ft__report *p, const ft__data_row *row) {
    const ft__json *value = ft__row_get(&row->row, "expected");
    if (!value) value = ft__row_get(&row->row, "references");
    if (!value) return;
    ft__report_label(p, "expected");
    if (value->type == FT__JSON_STRING) {
        ft__report_cell(p, value->text, value->text_len, 0, false, FT__REPORT_PLAIN);
    } else {
        ft__buf text;
        ft__json_writer w;
        ft__buf_init(&text, &p->r->allocator);
        ft__json_writer_init(&w, &text, 0);
        ft__json_value(&w, value);
        if (text.failed)
            p->line.failed = true;
        else
            ft__report_cell(p, text.data, text.len, 0, false, FT__REPORT_PLAIN);
        ft__buf_free(&text);
    }
    ft__report_end(p);
}

static void ft__report_answer(ft__report *p, const ft__check *check, size_t row, int variant) {
    const ft_result *r = p->r;
    const ft__answer *answer = ft__result_answer(r, row, variant, 0);
    const ft__row_score *s = ft__result_score(r, check->evaluator, row, variant);
    ft__report_label(p, r->job->variants[variant].name);
    if (s->state == FT_SCORED)
        ft__report_number(p, s->value, false, 0);
    else
        ft__report_text(p, s->detail && s->detail[0] ? s->detail : "not scored", 0,
                        FT__REPORT_BLOCK);
    ft__report_blanks(p, 2);
    if (answer->text)
        ft__report_cell(p, answer->text, answer->text_len, 0, false, FT__REPORT_PLAIN);
    ft__report_end(p);
}

/* "differ    after 3 tokens: base " cat" 0.6100, tuned " dog" 0.5500": the likeliest token of each there, with
   its probability. */
static void ft__report_difference(ft__report *p, size_t row, int variant) {
    const ft__row_tokens *t = p->r->tokens[variant] ? &p->r->tokens[variant][row] : NULL;
    char text[48];
    if (!t || !t->d.n_top) return;
    ft__report_label(p, "differ");
    snprintf(text, sizeof text, "after %d tokens: ", t->d.first_difference);
    ft__report_text(p, text, 0, FT__REPORT_DIM);
    for (int side = 0; side < 2; side++) {
        const ft__view *piece = side ? &t->top[0] : &t->base_top[0];
        ft__report_text(p, side ? ", " : "", 0, FT__REPORT_PLAIN);
        ft__report_text(p, p->r->job->variants[side ? variant : 0].name, 0, FT__REPORT_DIM);
        ft__report_text(p, " \"", 0, FT__REPORT_PLAIN);
        ft__report_cell(p, piece->text, piece->n, 0, false, FT__REPORT_PLAIN);
        ft__report_text(p, "\" ", 0, FT__REPORT_PLAIN);
        ft__report_number(p, ft__exp((double)(side ? t->d.top : t->d.base_top)[0].logprob), false, 0);
    }
    ft__report_end(p);
}

static void ft__report_row(ft__report *p, const ft__check *check, size_t row) {
    const ft__data_row *data = &p->r->job->rows[row];
    ft__report_blanks(p, 4);
    ft__report_text(p, data->id, 0, FT__REPORT_BOLD);
    ft__report_end(p);
    ft__report_label(p, "prompt");
    ft__report_cell(p, data->prompt, data->prompt_len, 0, false, FT__REPORT_PLAIN);
    ft__report_end(p);
    ft__report_expected(p, data);
    ft__report_answer(p, check, row, 0);
    ft__report_answer(p, check, row, check->variant);
    ft__report_difference(p, row, check->variant);
}

/* The worst rows, the earlier one first where they are equally bad. */
static void ft__report_worst(ft__report *p, const ft__check *check) {
    const ft_result *r = p->r;
    size_t worst[FT__REPORT_MAX_ROWS];
    double badness[FT__REPORT_MAX_ROWS], bad;
    int n = 0;
    for (size_t i = 0; i < r->job->n_rows; i++) {
        if (!ft__report_badness(r, check, i, &bad)) continue;
        int at = n;
        while (at > 0 && badness[at - 1] < bad) at--;
        if (at == FT__REPORT_MAX_ROWS) continue;
        if (n < FT__REPORT_MAX_ROWS) n++;
        for (int k = n - 1; k > at; k--) worst[k] = worst[k - 1], badness[k] = badness[k - 1];
        worst[at] = i;
        badness[at] = bad;
    }
    for (int k = 0; k < n && !p->status; k++) ft__report_row(p, check, worst[k]);
}

static void ft__report_failures(ft__report *p) {
    const ft_result *r = p->r;
    int shown = 0, failed = 0;
    char text[64];
    for (int i = 0; i < r->gate.n_checks && !p->status; i++) {
        const ft__check *check = &r->gate.checks[i];
        if (check->verdict == FT_SHIP) continue;
        if (++failed > FT__REPORT_MAX_CHECKS) continue;
        shown++;
        ft__report_text(p, ft__report_verdict(check->verdict), 0, (ft__report_style)check->verdict);
        ft__report_text(p, "  ", 0, FT__REPORT_PLAIN);
        ft__report_text(p, r->job->variants[check->variant].name, 0, FT__REPORT_BOLD);
        ft__report_text(p, ": ", 0, FT__REPORT_PLAIN);
        ft__report_text(p, r->job->evaluators[check->evaluator].name, 0, FT__REPORT_PLAIN);
        ft__report_text(p, " on ", 0, FT__REPORT_PLAIN);
        ft__report_text(p, ft__result_cohort(r, check->cohort), 0, FT__REPORT_PLAIN);
        ft__report_end(p);
        ft__report_blanks(p, 4);
        ft__report_text(p, check->reason, 0, FT__REPORT_PLAIN);
        ft__report_end(p);
        ft__report_worst(p, check);
        ft__report_end(p);
    }
    if (failed == shown) return;
    snprintf(text, sizeof text, "and %d more checks that did not pass", failed - shown);
    ft__report_text(p, text, 0, FT__REPORT_PLAIN);
    ft__report_end(p);
    ft__report_end(p);
}

/* Cohorts that the variant could answer best: "  refund        partial_refund, refund_policy". */
static void ft__report_route(ft__report *p, int variant, int width) {
    const ft_result *r = p->r;
    bool any = false;
    for (int c = 0; c < r->table.n_cohorts - 1; c++) {
        const char *name = ft__result_cohort(r, c);
        if (ft__result_is_probe(r, c) || ft__gate_route(&r->table, &r->gate, c) != variant) continue;
        const int columns = ft__report_columns(name, strlen(name), 200) + 2;
        if (any) ft__report_text(p, ",", 0, FT__REPORT_PLAIN);
        if (any && p->column + columns > p->width) ft__report_end(p);
        if (!p->column) {
            ft__report_blanks(p, 2);
            ft__report_text(p, any ? "" : r->job->variants[variant].name, width, FT__REPORT_BOLD);
            ft__report_blanks(p, 1);
        }
        ft__report_blanks(p, 1);
        ft__report_text(p, name, 0, FT__REPORT_PLAIN);
        any = true;
    }
    if (any) ft__report_end(p);
}

/* Where candidates win some cohorts and are blocked for others, each could have its own. */
static void ft__report_routes(ft__report *p) {
    const ft_result *r = p->r;
    int width = 4;
    bool useful = false;
    for (int v = 1; v < r->job->n_variants; v++) {
        const char *name = r->job->variants[v].name;
        const int n = ft__report_columns(name, strlen(name), 40);
        if (n > width) width = n;
    }
    for (int c = 0; c < r->table.n_cohorts - 1; c++)
        if (!ft__result_is_probe(r, c) && ft__gate_route(&r->table, &r->gate, c)) useful = true;
    if (!useful || r->gate.verdict == FT_SHIP) return;
    ft__report_text(p, "by these rows, who could answer what (a suggestion, not a verdict)", 0, FT__REPORT_DIM);
    ft__report_end(p);
    for (int v = r->job->n_variants - 1; v >= 0 && !p->status; v--) ft__report_route(p, v, width);
    ft__report_end(p);
}

static void ft__report_footer(ft__report *p) {
    ft__report_text(p, "digest  ", 0, FT__REPORT_PLAIN);
    ft__report_text(p, p->r->digest, 0, FT__REPORT_PLAIN);
    ft__report_end(p);
    if (!p->r->job->output) return;
    ft__report_text(p, "run     ", 0, FT__REPORT_PLAIN);
    ft__report_text(p, p->r->job->output, 0, FT__REPORT_PLAIN);
    ft__report_end(p);
}

ft_status ft_report_term(const ft_result *result, int width, bool color, ft_write_fn write,
                         void *user, ft_error *err) {
    ft__report p;
    if (!result || !write || width < 0)
        return ft__fail(err, FT_ERR_ARGUMENT, NULL,
                        "ft_report_term needs a result, a receiver and a width");
    memset(&p, 0, sizeof p);
    p.r = result;
    p.width = width == 0 ? 100 : width < 20 ? 20 : width;
    p.color = color;
    p.write = write;
    p.user = user;
    p.err = err;
    ft__buf_init(&p.line, &result->allocator);
    ft__report_headline(&p);
    for (int v = 1; v < result->job->n_variants && !p.status; v++) ft__report_table(&p, v);
    if (!p.status) ft__report_failures(&p);
    if (!p.status) ft__report_routes(&p);
    if (!p.status) ft__report_footer(&p);
    ft__buf_free(&p.line);
    return p.status;
}

const char *ft_progress_text(const ft_progress *p, bool terminal, char line[128]) {
    double rate = (double)p->done / (p->seconds > 0 ? p->seconds : 1e-9);
    int filled = (int)(30 * p->done / (p->total ? p->total : 1));
    unsigned long long left = (unsigned long long)((double)(p->total - p->done) / (rate > 0 ? rate : 1));
    unsigned long long tenths = (unsigned long long)(rate * 10 + 0.5);
    snprintf(line, 128, "%s[%.*s%*s] %llu of %llu answers, %llu.%llu/s, %llu s left%s", terminal ? "\r" : "",
             filled, "==============================", 30 - filled, "", (unsigned long long)p->done,
             (unsigned long long)p->total, tenths / 10, tenths % 10, left,
             terminal && p->done < p->total ? "\033[K" : "\n");
    return line;
}
