/* Were the instructions followed?  The 25 checkers of IFEval (J. Zhou et al.,
   "Instruction-Following Evaluation for Large Language Models", 2023), with the verdicts of
   instruction_following_eval at git 0c495b2f95.

   Strict: the response is not blank and the check holds.  Loose: it holds for one of eight
   variants: the response without its first line, its last, both, and each of these four without its
   '*'.

   The checks themselves are those of instruct_check.c. */
#include "instruct.h"

/* ---- verdicts */

static bool ft__instruct_holds(ft__instruct *c, ft__view text) {
    bool holds = c->kind->follows(c, text);
    return holds && !ft__instruct_blank(text);
}

/* Does the check hold for this text or for the same without '*'? */
static bool ft__instruct_holds_plain(ft__instruct *c, ft__view text) {
    ft__buf plain;
    if (ft__instruct_holds(c, text)) return true;
    if (text.n == 0 || !memchr(text.text, '*', text.n)) return false;
    ft__instruct_pieces pieces = {text.text, text.text + text.n, "*"};
    ft__view piece;
    ft__buf_init(&plain, c->allocator);
    while (ft__instruct_next(&pieces, &piece)) ft__buf_add(&plain, piece.text, piece.n);
    bool holds = !plain.failed && ft__instruct_holds(c, ft__buf_view(&plain));
    c->failed |= plain.failed;
    ft__buf_free(&plain);
    return holds;
}

/* The part of a text between its first and its last line end, or beyond one of them. */
static ft__view ft__instruct_without(ft__view text, bool first, bool last) {
    const char *begin = text.text, *end = begin + text.n;
    ft__view none = {"", 0};
    if (first) {
        begin = text.n ? (const char *)memchr(begin, '\n', text.n) : NULL;
        if (!begin) return none;
        begin++;
    }
    if (last) {
        while (end > begin && end[-1] != '\n') end--;
        if (end == begin) return none;
        end--;
    }
    ft__view rest = {begin, (size_t)(end - begin)};
    return ft__text_strip(rest);
}

static bool ft__instruct_holds_loosely(ft__instruct *c, ft__view text) {
    return ft__instruct_holds_plain(c, text) ||
           ft__instruct_holds_plain(c, ft__instruct_without(text, true, false)) ||
           ft__instruct_holds_plain(c, ft__instruct_without(text, false, true)) ||
           ft__instruct_holds_plain(c, ft__instruct_without(text, true, true));
}

/* Prepares a check; false, with a problem, if the instruction is none. */
static bool ft__instruct_begin(ft__instruct *c, const ft__json *id, const ft__json *kwargs,
                               const ft_allocator *a) {
    char excerpt[64];
    memset(c, 0, sizeof *c);
    c->allocator = a;
    if (kwargs && kwargs->type == FT__JSON_OBJECT) c->kwargs = kwargs;
    else if (kwargs && kwargs->type != FT__JSON_NULL)
        return ft__instruct_bad(c, "kwargs", "an object");
    if (!id || id->type != FT__JSON_STRING)
        return ft__instruct_bad(c, "id", "the name of an instruction");
    ft__view name = ft__json_view(id);
    if ((c->kind = ft__instruct_find_kind(name)) != NULL) return true;
    snprintf(c->problem, sizeof c->problem, "no instruction is called \"%s\"",
             ft__text_excerpt(name, excerpt));
    return false;
}

/* ---- the metric */

static ft_status ft__instruct_run(const ft__metric_call *call) {
    ft__instruct c;
    ft__view response;
    bool strict = false, loose = false;
    ft_status status = ft__metric_text(call, "response", &response);
    if (status) return status;
    if (ft__instruct_begin(&c, ft__json_get(call->params, "instruction_id"),
                           ft__json_get(call->params, "kwargs"), &call->arena->allocator)) {
        strict = ft__instruct_holds(&c, response);
        loose = strict || (!c.problem[0] && ft__instruct_holds_loosely(&c, response));
    }
    if (c.failed) return ft__fail_memory(call->err);
    if (c.problem[0]) return ft__metric_fail(call, "%s", c.problem);
    ft__json_begin(call->out, '{');
    ft__json_key(call->out, "followed");
    ft__json_bool(call->out, strict);
    ft__json_key(call->out, "followed_loose");
    ft__json_bool(call->out, loose);
    ft__json_end(call->out, '}');
    return FT_OK;
}

FT__PRIV const ft__metric_kind *ft__instruct_metrics(size_t *n) {
    static const ft__metric_kind kinds[] = {{"ifeval", 0, ft__instruct_run}};
    *n = FT__COUNT(kinds);
    return kinds;
}

/* ---- the evaluator */

/* The row's instructions in turn: a list of {"id", "kwargs"}, or IFEval's two lists. */
typedef struct ft__instruct_rows {
    const ft__json *entry, *kwargs; /* the next ones; kwargs in IFEval's form only */
    bool pairs;                     /* IFEval's form */
} ft__instruct_rows;

static bool ft__instruct_rows_find(ft__instruct_rows *rows, const ft_row *row, ft_score *score) {
    const ft__json *list = ft__row_get(row, "instructions"), *kwargs = NULL;
    const char *name = list ? "instructions" : "instruction_id_list";
    memset(rows, 0, sizeof *rows);
    if (!list) {
        list = ft__row_get(row, name);
        kwargs = ft__row_get(row, "kwargs");
        rows->pairs = true;
    }
    if (!list) return !ft__score_error(score, "row has no \"instructions\"");
    if (list->type != FT__JSON_ARRAY || list->count == 0)
        return !ft__score_error(score, "\"%s\" must be a list of at least one", name);
    if (kwargs && (kwargs->type != FT__JSON_ARRAY || kwargs->count != list->count))
        return !ft__score_error(score, "\"kwargs\" must be a list as long as \"%s\"", name);
    rows->entry = list->child;
    rows->kwargs = kwargs ? kwargs->child : NULL;
    return true;
}

static bool ft__instruct_rows_next(ft__instruct_rows *rows, const ft__json **id,
                                   const ft__json **kwargs) {
    const ft__json *entry = rows->entry;
    if (!entry) return false;
    *id = rows->pairs ? entry : ft__json_get(entry, "id");
    *kwargs = rows->pairs ? rows->kwargs : ft__json_get(entry, "kwargs");
    rows->entry = entry->next;
    if (rows->kwargs) rows->kwargs = rows->kwargs->next;
    return true;
}

static ft_status ft__instruct_prepare(ft_evaluator *e, ft_error *err) {
    static const char *const modes[] = {"strict", "loose"};
    int mode;
    bool *loose = (bool *)ft__arena_alloc(&e->arena, 1, sizeof *loose);
    ft_status status = ft__param_choice(e, "mode", modes, FT__COUNT(modes), &mode, err);
    if (status) return status;
    if (!loose) return ft__fail_memory(err);
    *loose = mode == 1;
    e->state = loose;
    return FT_OK;
}

static bool ft__instruct_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                               ft_score *score) {
    bool loose = *(const bool *)e->state;
    ft__instruct_rows rows;
    const ft__json *id, *kwargs;
    ft__instruct c;
    size_t count = 0, followed = 0;
    char missed[160] = "";
    if (!ft__instruct_rows_find(&rows, row, score)) return true;
    while (ft__instruct_rows_next(&rows, &id, &kwargs)) {
        bool holds = ft__instruct_begin(&c, id, kwargs, &e->arena.allocator) &&
                     (loose ? ft__instruct_holds_loosely(&c, output)
                            : ft__instruct_holds(&c, output));
        if (c.failed) return false;
        if (c.problem[0] && c.kind)
            return ft__score_error(score, "%s: %s", c.kind->id, c.problem);
        if (c.problem[0]) return ft__score_error(score, "%s", c.problem);
        size_t used = strlen(missed);
        if (!holds)
            snprintf(missed + used, sizeof missed - used, "%s%s", used ? ", " : "",
                     c.kind->id);
        count++;
        followed += holds;
    }
    score->value = ft__param_flag(e, "all") ? followed == count : (double)followed / (double)count;
    if (followed < count) ft__score_detail(score, "not followed: %s", missed);
    return true;
}

FT__PRIV const ft__evaluator_kind *ft__instruct_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"instruction_following",
          "share of the row's instructions that the output follows, or (all) whether all are; the "
          "25 checks of IFEval",
          "instructions", "{\"mode\": \"strict\", \"all\": false, \"threshold\": 1}",
          0, 1, true, 1, "instruction_following|ifeval-0c495b2f95|v1", FT_FROM_TEXT},
         0, ft__instruct_prepare, ft__instruct_score, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
