/* A local model as the judge.  It reads a prompt made of the rubric, the row and the output, and is asked
   how likely it finds each of the allowed grades next: p is the softmax of their log-probs, the score the
   mean of the grades under p, with the first grade at 0, the last at 1 and even steps between (the weighting
   of Y. Liu et al., "G-Eval", 2023).  Nothing is sampled, so the same judge always says the same.

   The prompt's template may hold {{rubric}}, {{prompt}}, {{output}}, {{expected}}, {{context}} and
   {{grades}}; what a row does not have is empty.  An output that speaks to the judge ("give this a 5") may
   sway it, and a judge prefers answers in its own manner: whoever runs a job refuses a judge of the
   candidate's own family unless "allow_same_family" says otherwise. */
#include "eval.h"

#define FT__JUDGE_TEMPLATE \
    "Grade the answer to a question.\\n\\nHow to grade: {{rubric}}\\n\\nQuestion:\\n{{prompt}}\\n\\n" \
    "Answer:\\n{{output}}\\n\\nGrades from worst to best: {{grades}}.\\nGrade:"

static const ft__view ft__judge_output = {"{{output}}", 10}; /* what is judged has to be shown */

static ft_status ft__judge_prepare(ft_evaluator *e, ft_error *err) {
    const ft__json *grades = ft__param(e, "grades"), *rubric = ft__param(e, "rubric");
    const ft__json *model = ft__param(e, "model");
    size_t n = 0;
    for (const ft__json *g = grades->child; g && ft__json_as_text(g).n; g = g->next) n++;
    if (n < 2 || n != grades->count)
        return ft__param_bad(e, "grades", "a list of at least two texts, none of them empty", err);
    if (rubric->type != FT__JSON_STRING || !rubric->text_len)
        return ft__param_bad(e, "rubric", "a text that says how to grade", err);
    bool shown = false;
    if (!ft__text_contains(ft__json_view(ft__param(e, "template")), ft__judge_output,
                           &e->arena.allocator, &shown))
        return ft__fail_memory(err);
    if (!shown) return ft__param_bad(e, "template", "a text with {{output}} in it", err);
    if (model->type != FT__JSON_NULL && (model->type != FT__JSON_STRING || !model->text_len))
        return ft__param_bad(e, "model", "the path of the judge's model", err);
    return FT_OK;
}

/* ---- the prompt */

typedef struct ft__judge_part {
    const char *name;
    const char *field; /* of the row, or NULL */
} ft__judge_part;
static const ft__judge_part ft__judge_parts[] = {
    {"{{rubric}}", NULL},         {"{{output}}", NULL},         {"{{grades}}", NULL},
    {"{{prompt}}", "prompt"}, {"{{expected}}", "expected"}, {"{{context}}", "context"}};

/* Texts as they are; all else, and lists, as JSON. */
static void ft__judge_add_value(ft__buf *out, const ft__json *value) {
    ft__view text = ft__json_as_text(value);
    ft__json_writer w;
    if (text.text) ft__buf_add(out, text.text, text.n);
    if (!value || text.text) return;
    ft__json_writer_init(&w, out, 0);
    ft__json_value(&w, value);
}

static void ft__judge_add_part(const ft_evaluator *e, const ft_row *row, ft__view output,
                               size_t part, ft__buf *out) {
    const ft__json *grades = ft__param(e, "grades");
    if (part == 0) ft__judge_add_value(out, ft__param(e, "rubric"));
    if (part == 1) ft__buf_add(out, output.text, output.n);
    if (part > 2) ft__judge_add_value(out, ft__row_get(row, ft__judge_parts[part].field));
    for (const ft__json *g = part == 2 ? grades->child : NULL; g; g = g->next) {
        if (g != grades->child) ft__buf_text(out, ", ");
        ft__judge_add_value(out, g);
    }
}

static void ft__judge_prompt(const ft_evaluator *e, const ft_row *row, ft__view output,
                             ft__buf *out) {
    ft__view t = ft__json_view(ft__param(e, "template"));
    for (size_t i = 0, part; i < t.n;) {
        for (part = 0; part < FT__COUNT(ft__judge_parts); part++) {
            size_t n = strlen(ft__judge_parts[part].name);
            if (n <= t.n - i && memcmp(t.text + i, ft__judge_parts[part].name, n) == 0) break;
        }
        if (part < FT__COUNT(ft__judge_parts)) {
            ft__judge_add_part(e, row, output, part, out);
            i += strlen(ft__judge_parts[part].name);
        } else {
            ft__buf_byte(out, t.text[i++]);
        }
    }
}

FT__PRIV int ft__judge_n_grades(const ft_evaluator *e) { return (int)ft__param(e, "grades")->count; }

/* The text of one grade, after a blank where the prompt does not end with one. */
static ft__view ft__judge_grade(const ft__json *grade, ft__view prompt, ft__arena *arena) {
    ft__view text = ft__json_as_text(grade);
    bool blank = ft__text_needs_blank(prompt, text);
    char *copy = (char *)ft__arena_alloc(arena, text.n + blank, 1);
    ft__view out = {copy, text.n + blank};
    if (!copy) return out;
    if (blank) copy[0] = ' ';
    memcpy(copy + blank, text.text, text.n);
    return out;
}

FT__PRIV ft_status ft__judge_texts(const ft_evaluator *e, const ft_row *row, ft__view output,
                                   ft__arena *arena, ft_text_request *texts, ft_error *err) {
    const ft__json *grade = ft__param(e, "grades")->child;
    ft__buf buf;
    ft__buf_init(&buf, &arena->allocator);
    ft__judge_prompt(e, row, output, &buf);
    ft__view prompt = {ft__arena_text(arena, buf.len ? buf.data : "", buf.len), buf.len};
    bool failed = buf.failed || !prompt.text;
    ft__buf_free(&buf);
    for (int i = 0; grade && !failed; grade = grade->next, i++) {
        ft__view text = ft__judge_grade(grade, prompt, arena);
        ft_text_request request = {0, prompt.text, prompt.n, text.text, text.n, FT_TOKENIZE_DEFAULT,
                                   NULL};
        texts[i] = request;
        failed = !text.text;
    }
    return failed ? ft__fail_memory(err) : FT_OK;
}

/* ---- the score */

static bool ft__judge_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                            ft_score *score) {
    const ft_output *o = row->output;
    int n = ft__judge_n_grades(e), best = 0;
    double sum = 0, mean = 0;
    char excerpt[64];
    (void)output;
    if (o->n_options != n)
        return ft__score_error(score, "%d likelihoods for %d grades", o->n_options, n);
    for (int i = 0; i < n; i++) {
        if (!ft__finite(o->options[i].logprob) || o->options[i].n_tokens < 1)
            return ft__score_error(score, "the likelihood of grade %d is not a number", i);
        if (o->options[i].logprob > o->options[best].logprob) best = i;
    }
    for (int i = 0; i < n; i++) {
        double p = ft__exp(o->options[i].logprob - o->options[best].logprob);
        sum += p;
        mean += p * i;
    }
    score->value = mean / (sum * (n - 1));
    const ft__json *grade = ft__param(e, "grades")->child;
    for (int i = 0; i < best; i++) grade = grade->next;
    ft__score_detail(score, "most likely grade: %s",
                     ft__text_excerpt(ft__json_as_text(grade), excerpt));
    return true;
}

static ft_status ft__judge_ask(const ft_evaluator *e, ft_session *session, const ft_row *row,
                               ft__view output, ft__arena *arena, ft_likelihood *grades,
                               ft_error *err) {
    int n = ft__judge_n_grades(e);
    ft_text_request *texts = (ft_text_request *)ft__arena_alloc(arena, (size_t)n, sizeof *texts);
    ft_status status = texts ? ft__judge_texts(e, row, output, arena, texts, err)
                             : ft__fail_memory(err);
    return status ? status : ft_session_score_texts(session, texts, n, grades, err);
}

ft_status ft_judge(const ft_evaluator *judge, ft_session *session, const ft_row *row,
                   const char *output, size_t n_bytes, ft_score *score, ft_error *err) {
    ft__arena arena;
    ft_output o;
    ft_status status = FT_OK;
    ft__view view = {n_bytes ? output : "", n_bytes};
    memset(&o, 0, sizeof o);
    if (judge->kind->info.evidence != FT_FROM_JUDGE)
        return ft__fail(err, FT_ERR_ARGUMENT, "", "%s is no judge", judge->kind->info.name);
    ft__arena_init(&arena, &judge->arena.allocator);
    o.text = output;
    o.n_bytes = n_bytes;
    if (output) {
        o.n_options = ft__judge_n_grades(judge);
        ft_likelihood *grades =
            (ft_likelihood *)ft__arena_alloc(&arena, (size_t)o.n_options, sizeof *grades);
        status = grades ? ft__judge_ask(judge, session, row, view, &arena, grades, err)
                        : ft__fail_memory(err);
        o.options = grades;
    }
    if (!status) status = ft_evaluate_output(judge, row, &o, score, err);
    ft__arena_free(&arena);
    return status;
}

FT__PRIV const ft__evaluator_kind *ft__judge_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"judge", "a judge model's mean grade, from the probabilities of the grades", "",
          "{\"model\": null, \"rubric\": null, \"grades\": [\"1\", \"2\", \"3\", \"4\", \"5\"], "
          "\"template\": \"" FT__JUDGE_TEMPLATE "\", \"allow_same_family\": false, "
          "\"threshold\": 0.5}",
          0, 1, true, 0.5, "judge|grade-probabilities|v1", FT_FROM_JUDGE},
         0, ft__judge_prepare, ft__judge_score, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
#undef FT__JUDGE_TEMPLATE
