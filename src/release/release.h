/* Floor 6: the release gate.  A job file becomes plain structs (job, dataset), the structs are run
   and scored (compare), the scores are judged (gate), the result is written and shown (compare,
   report_term).  This floor sees the public API and JSON, never tensors. */
#ifndef FT__RELEASE_H
#define FT__RELEASE_H

#include "../eval/eval.h"

#define FT__ALL_COHORT   "all"    /* where a row without a cohort belongs */
#define FT__EVERY_ROW    "(all)"  /* the table's line over all rows; no cohort may be called so */
#define FT__PROBE_COHORT "probe." /* and the probe's name */

/* ---- shape: release/shape.c.  What a JSON object may hold: one table per object, one walker. */

/* Types are bits, 1 << ft__json_type, and these. */
enum {
    FT__SHAPE_NULL = 1 << FT__JSON_NULL,
    FT__SHAPE_BOOL = 1 << FT__JSON_FALSE | 1 << FT__JSON_TRUE,
    FT__SHAPE_NUMBER = 1 << FT__JSON_NUMBER,
    FT__SHAPE_STRING = 1 << FT__JSON_STRING,
    FT__SHAPE_LIST = 1 << FT__JSON_ARRAY,
    FT__SHAPE_OBJECT = 1 << FT__JSON_OBJECT,
    FT__SHAPE_ANY = (1 << (FT__JSON_OBJECT + 1)) - 1,
    FT__SHAPE_WHOLE = 1 << 8,   /* a number must be an integer */
    FT__SHAPE_NEEDED = 1 << 9,  /* the key must be there */
    FT__SHAPE_FILLED = 1 << 10, /* no empty list; no empty text, nor NUL characters in it */
    FT__SHAPE_OPEN = 1 << 11,   /* an object may hold other keys too */
    FT__SHAPE_NAME = FT__SHAPE_STRING | FT__SHAPE_FILLED
};

/* A table of keys ends with a row without a name. */
typedef struct ft__shape ft__shape;
struct ft__shape {
    const char *name;
    unsigned types;
    double lowest, highest; /* of a number */
    const ft__shape *keys;  /* of an object; NULL = free keys */
    const ft__shape *each;  /* of each element of a list or member of an object; NULL = anything */
};

/* Who is checking: the status and the file of its errors. */
typedef struct ft__shape_context {
    ft_status code;
    const char *file;
    ft_error *err;
} ft__shape_context;

FT__PRIV ft_status ft__shape_check(const ft__shape_context *c, const ft__json *value,
                                   const ft__shape *shape);

/* "job.json:12", or the file alone where the value has no line; in a buffer of the caller's. */
FT__PRIV const char *ft__shape_where(const char *file, uint32_t line, char out[384]);

/* Names in the order of their first appearance, found by hash. */
typedef struct ft__names {
    const char **names; /* (n) */
    size_t n, cap;
    size_t *slots; /* (n_slots) index + 1, 0 = free; n_slots a power of two */
    size_t n_slots;
} ft__names;
/* The index of `name`, added if it is new (*is_new); the text must outlive the table.  False if out
   of memory. */
FT__PRIV bool ft__names_add(ft__names *t, const ft_allocator *a, const char *name, size_t *index,
                            bool *is_new);
FT__PRIV void ft__names_free(ft__names *t, const ft_allocator *a);

/* ---- job: release/job.c.  The job file as plain structs; all of it lives in the job's arena. */

/* The base is variant 0. */
typedef struct ft__variant {
    const char *name;    /* "base", or the candidate's */
    int model;           /* index into models */
    int base;            /* if merge: the model that the adapter is merged into */
    const char *quantize; /* the type of its weights, or NULL: as they are stored */
    const char *adapter; /* path, or NULL */
    bool merge;          /* the adapter is in the model's weights */
    double scale;
    uint32_t line; /* in the job file */
} ft__variant;

typedef struct ft__data_file {
    const char *path;
    const ft__json *fields; /* known name -> the name in this file, or NULL */
    int probe;              /* the index of its evaluator, -1 for ordinary rows */
    uint32_t line;
    char digest[65];
} ft__data_file;

typedef struct ft__job_evaluator {
    const char *name, *use;
    const ft__json *params;     /* as the job has them, or NULL */
    const char *const *cohorts; /* (n_cohorts) patterns; none = everywhere */
    int n_cohorts;
    bool probe; /* runs on the rows of its probe alone */
    const char *judge; /* path of the model, or NULL */
    ft_evaluator *handle;
    uint32_t line;
} ft__job_evaluator;

typedef struct ft__rule {
    int evaluator;      /* index */
    const char *cohort; /* pattern */
    bool has_max_drop, has_min_gain;
    double max_drop, min_gain;
    const char *place; /* "gate.rules[1]" */
    uint32_t line;
} ft__rule;

typedef struct ft__data_row {
    const char *id;
    int file; /* index into data */
    uint32_t line;
    const char *prompt;
    size_t prompt_len;
    const int *cohorts; /* (n_cohorts) indices, each once */
    int n_cohorts;
    double weight; /* of the row in every mean; at 0 the row counts nowhere */
    ft_row row; /* for the evaluators; its value lives in the job's arena */
} ft__data_row;

/* An example: what the user says, what the model should answer. */
typedef struct ft__shot {
    ft__view prompt, answer;
} ft__shot;

struct ft_job {
    ft_allocator allocator;
    ft__arena arena;
    const char *path, *name;
    const char *output; /* folder, or NULL */
    const char *cohort_by;
    const ft__json *tree; /* the job file with every --set applied */

    const char **models; /* (n_models) paths; the base's first */
    const char **quantize; /* (n_models) the type that each is brought into, or NULL */
    int *merged;         /* (n_models) the variant whose adapter is merged into it, or 0 */
    int n_models;
    ft__variant *variants; /* (n_variants) */
    int n_variants;
    ft__job_evaluator *evaluators;
    int n_evaluators;
    ft__rule *rules; /* those of the probes last, in the order of their data files */
    int n_rules, n_probes;
    double alpha;
    const char *correction;

    bool templated;            /* prompts go through a chat template */
    const char *template_path; /* of a .jinja file; NULL: the model's own */
    const ft__json *system;    /* text, or NULL */
    const char *now;           /* what templates take for the time, or NULL */
    ft__shot *shots;           /* (n_shots) */
    size_t n_shots;
    const char *shots_path;    /* NULL: none */
    char shots_digest[65];

    int max_tokens, repeat;
    bool tokens; /* base and candidates are compared token by token */
    ft_sampling sampling;
    double temperature, top_p, min_p; /* as the job has them, before rounding to float */
    const char **stops;
    int n_stops;

    ft__data_file *data; /* (n_data) */
    int n_data;
    ft__data_row *rows; /* (n_rows) */
    size_t n_rows, cap_rows;
    ft__names cohorts, ids;
    bool cohort_by_found;
};

/* True if the evaluator is meant for this row: of its probe, or of a cohort it is limited to. */
FT__PRIV bool ft__job_applies(const ft_job *job, int evaluator, const ft__data_row *row);
FT__PRIV ft_status ft__job_fail(const ft_job *job, ft_error *err, uint32_t line, const char *fmt,
                                ...) FT__PRINTF(4, 5);

/* ---- dataset: release/dataset.c */

/* Reads the rows of every data file of the job. */
FT__PRIV ft_status ft__dataset_read(ft_job *job, ft_error *err);

/* ---- prompt: release/prompt.c */

FT__PRIV ft_status ft__prompt_read_shots(ft_job *job, const char *path, size_t most, ft_error *err);

typedef struct ft__prompter {
    const ft_job *job;
    const ft_model *model;
    ft_template *chat; /* NULL: prompts as they stand */
    unsigned flags;    /* to tokenize the texts with */
    ft__buf text;
} ft__prompter;
/* Close it in any case. */
FT__PRIV ft_status ft__prompter_open(ft__prompter *p, const ft_job *job, const ft_model *model,
                                     const char *model_path, ft_error *err);
FT__PRIV void ft__prompter_close(ft__prompter *p);
/* What the model reads for the row; lives until the next call. */
FT__PRIV ft_status ft__prompter_text(ft__prompter *p, const ft__data_row *row, ft__view *text,
                                     ft_error *err);

/* ---- gate: release/gate.c.  A pure function: numbers in, verdicts out. */

/* One evaluator on one cohort under one variant.  The paired part compares with variant 0. */
typedef struct ft__numbers {
    int n_scored, n_error, n_missing, n_not_applicable;
    double mean, pass;      /* over the scored rows by weight; pass is a share */
    double weight, pair_weight; /* sums over the scored rows and over the pairs */
    int n_pairs;            /* rows scored for both */
    int n_unscored;         /* rows that have an error or no output on either side */
    double difference;      /* mean of variant - base over the pairs */
    int wins, losses, ties; /* in the evaluator's direction */
    const ft__json *corpus; /* the evaluator's metric over all scored rows together, or NULL */
} ft__numbers;

/* Cell (evaluator, cohort, variant) at (e * n_cohorts + c) * n_variants + v. */
typedef struct ft__table {
    int n_evaluators, n_cohorts, n_variants;
    ft__numbers *cells;
} ft__table;
FT__PRIV ft__numbers *ft__table_at(const ft__table *table, int evaluator, int cohort, int variant);

/* True if the evaluator had something to say about a row of this cohort. */
FT__PRIV bool ft__table_applies(const ft__table *table, int evaluator, int cohort);

typedef struct ft__gate_in {
    const char *file; /* of the rules, for errors */
    const ft__rule *rules;
    int n_rules;
    const char *const *cohorts; /* (n_cohorts) names; the table may have more, which no rule sees */
    int n_cohorts;
    const char *const *evaluators; /* names */
    const bool *higher_is_better;  /* (table.n_evaluators) */
    ft__table table;
} ft__gate_in;

typedef struct ft__check {
    int rule, evaluator, cohort, variant;
    ft_verdict verdict;
    const char *reason; /* a sentence; "" for ship */
} ft__check;

#define FT__NOT_JUDGED (-1)
/* The worse of two: not judged < ship < insufficient < block. */
FT__PRIV int ft__verdict_worse(int a, int b);

typedef struct ft__gate_out {
    ft__check *checks; /* (n_checks), rules outermost, then cohorts, then candidates */
    int n_checks;
    int *cohorts;  /* (n_cohorts, n_variants): the worst verdict, or FT__NOT_JUDGED */
    int *variants; /* (n_variants) */
    ft_verdict verdict;
} ft__gate_out;

/* Judges.  A rule that finds nothing to judge is FT_ERR_JOB. */
FT__PRIV ft_status ft__gate(const ft__gate_in *in, ft__arena *arena, ft__gate_out *out,
                            ft_error *err);

/* Who could answer the cohort: the candidate whose checks there all passed and that won the largest share of the
   rows they looked at, less what it lost; 0, the base, where none won more than it lost. */
FT__PRIV int ft__gate_route(const ft__table *table, const ft__gate_out *gate, int cohort);

/* ---- compare: release/compare.c */

/* Text NULL: no evaluator looks at the text of this row, none was generated. */
typedef struct ft__answer {
    const char *text; /* (text_len) bytes, perhaps not UTF-8; NUL after them */
    size_t text_len;
    const int32_t *tokens;
    int n_tokens, n_prompt;
    ft_finish finish;
} ft__answer;

/* The mean over the repeats; an error or a missing output in one of them is the row's. */
typedef struct ft__row_score {
    ft_score_state state;
    double value, pass;
    const char *detail; /* of an error, else "" */
} ft__row_score;
FT__PRIV bool ft__row_unscored(const ft__row_score *s); /* an error, or missing */

/* What an evaluator judges beside the text; see ft_output. */
typedef struct ft__evidence {
    const ft_likelihood *options, *alone; /* (n) */
    int n;
} ft__evidence;

/* A candidate's row beside the base's, with the texts of the alternatives. */
typedef struct ft__row_tokens {
    ft_divergence d;
    ft__view base_top[FT_ALTERNATIVES], top[FT_ALTERNATIVES];
} ft__row_tokens;

typedef struct ft__timing {
    int threads;
    double load_s, generate_s, score_s, total_s;
    double n_prompt_tokens, n_new_tokens;
} ft__timing;

struct ft_result {
    ft_allocator allocator;
    ft__arena arena;
    const ft_job *job;      /* outlives the result */
    ft__answer *answers;    /* (n_rows, n_variants, repeat) */
    ft__row_score *scores;  /* (n_evaluators, n_rows, n_variants) */
    ft__evidence **evidence; /* (n_evaluators): NULL, or (n_rows, n_variants, repeat) */
    ft__row_tokens **tokens; /* (n_variants): (n_rows), or NULL for the base and where it does not apply */
    bool *higher_is_better; /* (n_evaluators) */
    ft__table table;        /* its last cohort is FT__EVERY_ROW */
    ft__gate_out gate;
    char (*model_digests)[65];   /* (n_models) */
    char (*adapter_digests)[65]; /* (n_variants), "" without one */
    char (*judge_digests)[65];   /* (n_evaluators), "" for those that are no judges */
    char (*prompt_digests)[65];  /* (n_models): of the texts that the model read */
    char template_digest[65];    /* of the template's file, if the job names one */
    char (*answer_digests)[65];  /* (n_variants) */
    ft__timing timing;
    ft__buf json; /* result.json */
    char digest[65];
};

FT__PRIV ft__answer *ft__result_answer(const ft_result *r, size_t row, int variant, int repeat);
FT__PRIV ft__row_score *ft__result_score(const ft_result *r, int evaluator, size_t row,
                                         int variant);
/* Of an evaluator that judges likelihoods. */
FT__PRIV ft__evidence *ft__result_evidence(const ft_result *r, int evaluator, size_t row,
                                           int variant, int repeat);
FT__PRIV const char *ft__result_cohort(const ft_result *r,
                                       int cohort); /* its name, or FT__EVERY_ROW */
FT__PRIV bool ft__result_is_probe(const ft_result *r, int cohort);
FT__PRIV int ft__result_cohort_rows(const ft_result *r, int cohort);

/* A comparison while it runs. */
typedef struct ft__compare ft__compare;
typedef struct ft__compare_model {
    ft_model *model;
    const int32_t **prompts; /* (n_rows) tokens */
    int *n_prompt;           /* (n_rows) */
    ft__view *texts;         /* (n_rows) what these are the tokens of */
    unsigned flags;          /* that they were made with */
    int longest;
} ft__compare_model;

struct ft__compare {
    const ft_job *job;
    const ft_compare_desc *desc;
    ft_result *r;
    ft_error *err;
    ft__arena arena;           /* of what the result does not keep */
    ft__compare_model *models; /* (n_models) */
    ft_adapter **adapters;     /* (n_variants), NULL without one */
    double started;
    ft_progress progress;
};

/* One model's share of the work. */
typedef struct ft__compare_batch {
    ft_session *session;
    int *variants;         /* (n) of the job */
    int *session_variants; /* (n) what the session calls them */
    uint64_t *keys;        /* of random draws */
    int n;
    size_t *rows;         /* (n_requests / n / repeat) that want an answer */
    ft_request *requests; /* rows outermost, then variants, then repeats */
    ft_completion *completions;
    int n_requests;
    ft__compare *compare;
    int *n_answers;         /* (as rows) so far */
    size_t *done;           /* (n_done) rows with all of them */
    int n_done, n_compared; /* of these, the first that were compared token by token */
    ft_status failed;       /* in the course of it, */
    ft_error error;         /* with this */
} ft__compare_batch;
/* A session of the job's model m with its variants.  Free b->session in any case. */
FT__PRIV ft_status ft__compare_open(ft__compare *c, int m, ft__compare_batch *b);

/* ---- canary: release/canary.c */

/* Before anything else runs: does every candidate change something? */
FT__PRIV ft_status ft__canary_check(ft__compare *c);
/* Do the model and the base read the same tokens on every row? */
FT__PRIV bool ft__canary_same_prompts(const ft__compare *c, int model);

/* ---- tokens: release/tokens.c */

/* Which candidates have tokens? */
FT__PRIV ft_status ft__tokens_begin(ft__compare *c);
/* Fills the result's tokens of rows that have their answers, for the batch's candidates; the base reads in a
   session of its model, where it is variant 0. */
FT__PRIV ft_status ft__tokens_rows(ft__compare *c, ft_session *base, const ft__compare_batch *b, const size_t *rows,
                                   size_t n_rows);
/* The same for rows that no ft__tokens_rows saw while model m answered. */
FT__PRIV ft_status ft__tokens_rest(ft__compare *c, int m, const ft__compare_batch *b);

/* Sums over rows by weight; see ft_divergence. */
typedef struct ft__token_sums {
    int n_rows, n_places;           /* rows with places to compare, and these */
    double places, kl, agree, base_logprob, logprob;
    double kl_max;
    int n_outputs, n_same, n_output; /* rows with outputs to compare, the same ones, their tokens */
    double output, accepted, drafts, draft_accepted;
} ft__token_sums;
/* Of a cohort's rows (n_cohorts - 1: all rows); false if the candidate has no tokens. */
FT__PRIV bool ft__tokens_sum(const ft_result *r, int cohort, int variant, ft__token_sums *sums);

/* ---- evidence: release/evidence.c.  Fills what ft__result_evidence gives. */

/* Does the job judge likelihoods of choices or expected texts? */
FT__PRIV bool ft__evidence_any(const ft_job *job);
/* Is the row to be answered?  Not where only likelihoods are judged. */
FT__PRIV bool ft__evidence_text_wanted(const ft_job *job, const ft__data_row *row);
/* Choices and expected texts under the job's variants[n], which the session calls session_variants. */
FT__PRIV ft_status ft__evidence_variants(ft__compare *c, ft_session *session, const int *variants,
                                         const int *session_variants, int n);
/* Before anything runs: are there judges, and are they of other families than what they judge? */
FT__PRIV ft_status ft__evidence_check_judges(ft__compare *c);
/* The grades of all judges, once all answers are there. */
FT__PRIV ft_status ft__evidence_judges(ft__compare *c);

/* ---- aggregate: release/aggregate.c */

/* Fills ft__numbers.corpus of the result's table. */
FT__PRIV ft_status ft__aggregate_all(ft_result *r, ft_error *err);
/* The number of a corpus value that a report shows, and its name; NULL: there is none. */
FT__PRIV const char *ft__aggregate_shown(const ft_job *job, int evaluator, const ft__json *corpus,
                                         double *value);

/* ---- journal: release/journal.c.  The run folder.

   result.json ends with
        ,
        "digest": "SHA-256 of all bytes before this line"
       }
   where each of these lines begins with one blank fewer than here, so that
        head -n -2 result.json | sha256sum
   prints the digest. */

/* Takes an older run's files out of the folder, so that a run that fails never looks finished. */
FT__PRIV ft_status ft__journal_clear(const ft_job *job, ft__arena *arena, ft_error *err);
/* Makes the folder and writes job.json: the job with all defaults, and the digest of every file. */
FT__PRIV ft_status ft__journal_begin(ft_result *r, ft_error *err);
/* Appends to `line` one line of rows.jsonl: an answer and its scores (n_evaluators).  Its last
   field is the SHA-256 of the line's bytes before  ,"sha256"  */
FT__PRIV void ft__journal_row(const ft_result *r, size_t row, int variant, int repeat,
                              const ft_score *scores, ft__buf *line);
/* Fills r->json and r->digest. */
FT__PRIV ft_status ft__journal_result(ft_result *r, ft_error *err);
/* Writes timing.json and, last, result.json. */
FT__PRIV ft_status ft__journal_end(ft_result *r, ft_error *err);

#endif /* FT__RELEASE_H */
