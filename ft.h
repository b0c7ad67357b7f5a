/* ft.h - judge a tuned model without a cloud.  One header, C99, nothing beyond libc and pthreads.

   WHAT IT IS
     ft loads a language model (GGUF) and its LoRA adapters, runs the base and its candidates side by
     side on the same rows, scores the answers with built-in deterministic evaluators, and says per
     cohort: ship, block, or not enough data.  The same job gives the same bits on every machine.

   DO THIS
         #define FT_IMPLEMENTATION
         #include "ft.h"
     in exactly one C or C++ file, and plain  #include "ft.h"  in the others.  Link with -lpthread.

   A COMPLETE PROGRAM
         #define FT_IMPLEMENTATION
         #include "ft.h"
         #include <stdio.h>

         int main(int argc, char **argv) {
             ft_error err = {0};
             ft_job *job = ft_job_load(argc > 1 ? argv[1] : "job.json", NULL, &err);
             ft_result *result = job ? ft_compare(job, NULL, &err) : NULL;
             if (result) printf("%s %s\n", ft_verdict_name(ft_result_verdict(result)),
                                ft_result_digest(result));
             else fprintf(stderr, "%s: %s\n", err.where, err.message);
             int code = result ? (int)ft_result_verdict(result) : ft_status_exit_code(err.code);
             ft_result_free(result);
             ft_job_free(job);
             return code;
         }

   WHAT IT DOES NOT DO
     It does not train, it does not download, it calls no other program, and it keeps no hidden state:
     no global variables, no printing, no exit.  It holds no opinion about which metric matters.

   LIMITS OF THIS VERSION
     Little-endian POSIX systems with IEEE floats, gcc or clang.  Architecture "llama" (with experts),
     weights F32 F16 BF16 Q8_0 Q4_0 Q4_K Q6_K, tokenizer SPM ("llama"), GGUF v2/v3 in one file, LoRA
     adapters as GGUF.  Prompts are sent as they stand (no chat templates yet).  A gate compares point
     differences of means (no confidence bounds yet).

   THE MANUAL: ERRORS, MEMORY, THREADS
     Every call that can fail returns an ft_status, or NULL where it makes something, and fills the
     optional ft_error with a code, a message and a place ("rows.jsonl:17").  Nothing is half made: a
     call that fails leaves no object behind.  Handles are freed by their own _free function, which
     accepts NULL.  Descriptor structs may be {0} (all defaults) or the pointer NULL.
     Different handles may be used from different threads at once.  One handle is used by one thread
     at a time, except ft_model, ft_adapter, ft_evaluator and ft_row, which nothing changes once they
     are made and which any number of threads and sessions may share.  A model outlives its adapters
     and sessions, an adapter the sessions that use it.

   THE MANUAL: ARITHMETIC
     Results depend on the file, the tokens and the settings alone: never on the instruction set, the
     number of threads, the batch, how a prompt was cut, or whether its beginning was computed for
     another.  To that end every float operation has one order.  A product and a sum are two roundings
     (never a fused multiply-add); exp, log, sin, cos, reciprocal and square root are built here from
     + - * and integer operations; integer dot products are exact.  In short:
       quantised weights   activations become int8 in blocks of 32 (scale = amax/127, half to even);
                           per block  acc += (ws * xs) * (float)isum,  blocks ascending within chunks
                           of 512 inputs, chunk sums added ascending (Q4_K's minimums: then
                           acc -= (wm * xs) * (float)sum of the block's int8)
       float weights       64 partial sums, element k to partial k mod 64 ascending, then a halving
                           tree 32, 16, 8, 4, 2, 1; RMS norms and softmax sums use the same order
       attention           score: over d ascending; softmax online over tiles of 64 keys aligned to
                           absolute positions, within chunks of 1024; values: over keys ascending;
                           chunks combined ascending; keys that a token does not see weigh
                           exactly 0; a Q8_0 cache rounds as activations are rounded
       ties                lowest index first
       random numbers      Philox4x32-10 keyed by (seed, row, variant, position)
     The environment variable FT_ISA (scalar, avx2, avx512, neon, dotprod) forces a code path for tests. */
#ifndef FT_H
#define FT_H

#if defined(FT_IMPLEMENTATION)
#if defined(__STRICT_ANSI__) && defined(_FEATURES_H) && !defined(__USE_MISC)
#error "ft: include ft.h before the system headers where FT_IMPLEMENTATION is defined, or use -std=gnu99"
#elif !defined(_DEFAULT_SOURCE) && !defined(_GNU_SOURCE)
#define _DEFAULT_SOURCE 1
#endif
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FT_VERSION "0.1.0"

/* ---------------------------------------------------------------------------------------- errors */

/* Every status there is: name, exit code of the command `ft`, and what it means. */
#define FT_STATUS_LIST(X)                                                                      \
    X(FT_OK, 0, "ok")                                                                          \
    X(FT_ERR_ARGUMENT, 3, "an argument is wrong")                                              \
    X(FT_ERR_NOT_FOUND, 3, "a file does not exist or may not be read")                         \
    X(FT_ERR_FORMAT, 3, "a file is malformed")                                                 \
    X(FT_ERR_UNSUPPORTED, 3, "a file or job is well formed but asks for what ft does not have") \
    X(FT_ERR_MISMATCH, 3, "an adapter does not belong to this model")                          \
    X(FT_ERR_TOKEN, 3, "a token id is outside the vocabulary")                                 \
    X(FT_ERR_CONTEXT, 3, "more tokens than the context holds")                                 \
    X(FT_ERR_JOB, 3, "the job file asks for something impossible")                             \
    X(FT_ERR_DATA, 3, "a row of the data is wrong")                                            \
    X(FT_ERR_LIMIT, 3, "a declared maximum or the caller's buffer is too small")               \
    X(FT_ERR_NUMERIC, 4, "the model computed an infinity or a NaN")                            \
    X(FT_ERR_FLOAT_MODE, 4, "the program changed rounding or flushes subnormals to zero")      \
    X(FT_ERR_MEMORY, 4, "out of memory")                                                       \
    X(FT_ERR_IO, 4, "reading or writing failed")                                               \
    X(FT_ERR_THREAD, 4, "a thread could not be started")                                       \
    X(FT_ERR_CANCELLED, 4, "a callback asked to stop")

typedef enum ft_status {
#define FT_STATUS_ENUM(name, exit_code, text) name,
    FT_STATUS_LIST(FT_STATUS_ENUM)
#undef FT_STATUS_ENUM
    FT_STATUS_COUNT
} ft_status;

/* What went wrong and where: a file, "file:line", "file: field", or "" where no place applies. */
typedef struct ft_error {
    ft_status code;
    char message[384];
    char where[384];
} ft_error;

const char *ft_status_name(ft_status status); /* "FT_ERR_FORMAT" */
const char *ft_status_text(ft_status status); /* "a file is malformed" */
int ft_status_exit_code(ft_status status);    /* 0, 3 or 4 */

/* ---------------------------------------------------------------------------------------- memory */

/* Where memory comes from.  All three functions are given, or the struct is {0}: malloc, realloc,
   free.  `alloc` and `resize` may return NULL; ft then fails with FT_ERR_MEMORY.  The functions must
   be callable from any thread.  Handles keep a copy of the struct. */
typedef struct ft_allocator {
    void *user;
    void *(*alloc)(void *user, size_t size);
    void *(*resize)(void *user, void *memory, size_t size);
    void (*release)(void *user, void *memory);
} ft_allocator;

/* A whole file with a NUL after it, by malloc: the caller frees it.  NULL on failure. */
char *ft_read_file(const char *path, size_t *n_bytes, ft_error *err);

/* "1,2,3" (or blanks between), or "@FILE" with the same inside, to n >= 1 integers, by malloc. */
int32_t *ft_read_ids(const char *list, int *n, ft_error *err);

/* Receives bytes as they are made; returns 0 to go on, anything else to stop (FT_ERR_CANCELLED). */
typedef int (*ft_write_fn)(void *user, const char *bytes, size_t n);

/* ----------------------------------------------------------------------------------------- model */

typedef struct ft_model ft_model;
typedef struct ft_adapter ft_adapter;
typedef struct ft_session ft_session;

/* Defaults ({0}): malloc; weights and vocabulary; quantised weights packed for this machine's kernels. */
typedef struct ft_model_desc {
    ft_allocator allocator;
    bool vocab_only; /* read metadata and tokenizer alone; the file may hold no tensors */
    bool no_pack;    /* use weights where the file has them: no copy in memory, slower, the same bits */
    int threads;     /* that pack; 0 = as many as processors */
} ft_model_desc;

/* Loads a GGUF file.  The file is mapped, not copied, and must not change while the model lives.
   Every size in it is checked before use.  NULL on failure. */
ft_model *ft_model_load(const char *path, const ft_model_desc *desc, ft_error *err);
void ft_model_free(ft_model *model);

/* Strings live as long as the model. */
typedef struct ft_model_info {
    const char *architecture;    /* "llama" */
    const char *name;            /* general.name, or "" */
    uint64_t n_params;           /* weights in all tensors */
    int n_layers, n_embd, n_heads, n_kv_heads, head_dim, n_ff, n_vocab;
    int n_experts, n_experts_used; /* 0 without experts */
    int n_ctx;                   /* positions the model was made for */
    const char *tokenizer;       /* tokenizer.ggml.model, "" if the file has none */
    bool can_tokenize;           /* this version has that tokenizer */
    int bos, eos;                /* token ids, -1 if none */
    bool add_bos, add_eos;
    bool has_chat_template;
} ft_model_info;
ft_model_info ft_model_get_info(const ft_model *model);

/* Loads a LoRA adapter (GGUF) for `model`: each of its tensors must find its weight there with the
   right shape, else FT_ERR_MISMATCH.  Factors are kept as F32. */
ft_adapter *ft_adapter_load(const ft_model *model, const char *path, ft_error *err);
void ft_adapter_free(ft_adapter *adapter);

/* What a file is, as text or (json) as one JSON object: GGUF models, vocabularies and adapters. */
ft_status ft_info(const char *path, bool json, ft_write_fn write, void *user, ft_error *err);

/* One tensor of a GGUF file, decoded to little-endian float32, row-major. */
ft_status ft_info_tensor(const char *path, const char *tensor, ft_write_fn write, void *user,
                         ft_error *err);

/* ----------------------------------------------------------------------------------------- tokens */

enum {
    FT_TOKENIZE_DEFAULT = 0,       /* BOS and EOS as the file says; text is only text */
    FT_TOKENIZE_PLAIN = 1,         /* never add BOS or EOS */
    FT_TOKENIZE_PARSE_SPECIAL = 2  /* spellings of control tokens in the text become those tokens */
};

/* Text (UTF-8; other bytes are kept as byte tokens) to ids.  *n receives the number of ids; if that is
   more than `cap`, nothing is written and the status is FT_ERR_LIMIT.  3 * n_bytes + 3 always suffices. */
ft_status ft_tokenize(const ft_model *model, const char *text, size_t n_bytes, unsigned flags,
                      int32_t *tokens, size_t cap, size_t *n, ft_error *err);

/* Text to ids, written as a JSON array and a line end; and the same for the "text" of every row of a
   JSONL file. */
ft_status ft_write_tokens(const ft_model *model, const char *text, size_t n_bytes, unsigned flags,
                          ft_write_fn write, void *user, ft_error *err);
ft_status ft_write_tokens_of_rows(const ft_model *model, const char *path, unsigned flags,
                                  ft_write_fn write, void *user, ft_error *err);

/* Ids to text: the pieces joined; control tokens give nothing.  Same rule for `cap`; no NUL is added. */
ft_status ft_detokenize(const ft_model *model, const int32_t *tokens, size_t n_tokens, char *text,
                        size_t cap, size_t *n, ft_error *err);

/* --------------------------------------------------------------------------------------- session */

/* Q8_0: int8 with a float scale per position and 32 dimensions of a head (all of them where they are no
   multiple of 32); about half of F16. */
typedef enum ft_kv_type { FT_KV_F16 = 0, FT_KV_F32 = 1, FT_KV_Q8_0 = 2 } ft_kv_type;

/* Defaults ({0}): as many threads as processors, the model's own context, F16 cache, 512 tokens a
   pass, 32 sequences run together, no bound on cached keys and values, prefixes shared. */
typedef struct ft_session_desc {
    int threads;       /* including the calling one, at most 256 */
    int n_ctx;         /* positions per sequence */
    ft_kv_type kv;     /* type of cached keys and values */
    int max_batch;     /* tokens computed in one pass; bounds scratch memory, not results */
    int max_sequences; /* sequences that ft_session_generate and ft_session_score run at a time */
    size_t kv_bytes;   /* most memory for keys and values, 0 = as much as it takes; never shows in results */
    bool no_prefix_sharing; /* see ft_session_generate; never shows in results */
} ft_session_desc;

/* A place to run sequences of one model; owns its threads and caches.  Allocates as the model does. */
ft_session *ft_session_create(const ft_model *model, const ft_session_desc *desc, ft_error *err);
void ft_session_free(ft_session *session);

/* One adapter at a strength; the effective factor is scale * alpha / rank. */
typedef struct ft_adapter_use {
    const ft_adapter *adapter;
    float scale;
} ft_adapter_use;

/* Adds a variant: the base with these adapters on it, applied in order.  Variant 0 is the base alone.
   A scale of 0 is the base bit for bit. */
ft_status ft_session_add_variant(ft_session *session, const ft_adapter_use *uses, int n_uses,
                                 int *variant, ft_error *err);

/* The same from files: each of `specs` (n_specs) is "FILE" or "FILE:SCALE" (a number after the last
   colon).  The session owns these adapters. */
ft_status ft_session_load_variant(ft_session *session, const char *const *specs, int n_specs,
                                  int *variant, ft_error *err);

/* Opens an empty sequence; ids of closed ones are used again. */
ft_status ft_session_open(ft_session *session, int variant, int *sequence, ft_error *err);
void ft_session_close(ft_session *session, int sequence);

/* Tokens to append to a sequence, and where the logits go (the caller's buffers, or NULL). */
typedef struct ft_feed {
    int sequence;
    const int32_t *tokens; /* (n_tokens) */
    int n_tokens;
    float *last_logits;    /* (n_vocab) after the last token, or NULL */
    float *all_logits;     /* (n_tokens, n_vocab), or NULL */
} ft_feed;

/* Appends tokens to several sequences in one batch, each under its own variant; a sequence appears at
   most once.  Checks everything before it changes anything (FT_ERR_LIMIT: not all fits into kv_bytes);
   after FT_ERR_NUMERIC or FT_ERR_MEMORY the sequences named have undefined content and should be
   closed. */
ft_status ft_session_decode(ft_session *session, const ft_feed *feeds, int n_feeds, ft_error *err);

/* Feeds tokens to a fresh sequence and writes the logits of every position: little-endian float32,
   (n_tokens, n_vocab). */
ft_status ft_session_write_logits(ft_session *session, int variant, const int32_t *tokens, int n_tokens,
                                  ft_write_fn write, void *user, ft_error *err);

/* Defaults ({0}): greedy. */
typedef struct ft_sampling {
    float temperature; /* 0 = greedy */
    int top_k;         /* keep the k most likely, 0 = all */
    float top_p;       /* then the smallest set with this probability, 0 or 1 = all */
    float min_p;       /* then those with at least min_p times the best one's probability, 0 = all */
    uint64_t seed;
} ft_sampling;

/* What a random draw depends on, beside the seed: nothing else does. */
typedef struct ft_draw {
    uint64_t row, variant;
    uint32_t position;
} ft_draw;

/* Picks a token from logits (n_vocab).  Filters apply in the order of the struct, before the
   temperature.  Ties go to the lower id.  scratch: (n_vocab) floats of the caller's.  Greedy if the
   temperature is 0 (sampling, draw and scratch may then be NULL).  Thread-safe; -1 if n_vocab < 1. */
int ft_sample(const float *logits, int n_vocab, const ft_sampling *sampling, const ft_draw *draw,
              float *scratch);

/* Defaults: 128 tokens, greedy.  The prompt is given as ids, or as text (then `prompt` is NULL). */
typedef struct ft_request {
    int variant;
    const int32_t *prompt; /* (n_prompt), at least one */
    int n_prompt;
    const char *text;      /* (text_len) bytes, tokenized with `flags` (FT_TOKENIZE_...) */
    size_t text_len;
    unsigned flags;
    int max_tokens;
    ft_sampling sampling;
    uint64_t row, variant_key; /* of the random draws */
    const char *const *stops;  /* (n_stops) strings that end the text and are cut from it */
    int n_stops;
    bool want_logprobs;
} ft_request;

typedef enum ft_finish {
    FT_FINISH_END,   /* an end-of-generation token */
    FT_FINISH_STOP,  /* a stop string */
    FT_FINISH_LENGTH /* max_tokens reached */
} ft_finish;

typedef struct ft_completion {
    int32_t *tokens; /* (n_tokens), without the prompt and the end token */
    int n_tokens;
    char *text;      /* UTF-8 as the model made it, NUL after text_len bytes */
    size_t text_len;
    ft_finish finish;
    float *logprobs; /* (n_tokens) as ft_session_score gives them, whatever the sampling; NULL if not wanted */
} ft_completion;

/* Optional callbacks; `done` and `text` return 0 to go on. */
typedef struct ft_generate_hooks {
    void *user;
    int (*done)(void *user, int request);                             /* a request has finished */
    int (*text)(void *user, int request, const char *bytes, size_t n); /* whole characters, as made */
} ft_generate_hooks;

/* Runs all requests, many together, and fills out[n_requests]; on failure nothing is kept.  A prompt
   that leaves no room for max_tokens is FT_ERR_CONTEXT, before anything runs.
   Memory: a request starts when the keys and values of its prompt and max_tokens fit into kv_bytes beside
   those of the running ones; one that never could is FT_ERR_LIMIT, before anything runs.
   Prefix sharing: requests of one variant that begin with the same tokens compute these once, in whole
   pages of 64.  Pages of finished requests are kept for later ones, also of later calls, until their
   memory is wanted; the longest unused go first.  Without kv_bytes at most as many are kept as were in
   use at one time. */
ft_status ft_session_generate(ft_session *session, const ft_request *requests, int n_requests,
                              ft_completion *out, const ft_generate_hooks *hooks, ft_error *err);
void ft_completions_free(ft_session *session, ft_completion *completions, int n);

/* Tokens whose log-probs are wanted, and where they go (the caller's buffers).  A log-prob is natural,
   logit - largest - log(sum of exp) in double from the float logits, ids ascending. */
typedef struct ft_score_request {
    int variant;
    const int32_t *tokens; /* (n_tokens), at least 2 */
    int n_tokens;
    int first;             /* the first token to score; 0 = 1, as token 0 comes after nothing */
    float *logprobs;       /* (n_tokens - first) of each token after all those before it, or NULL */
    int top_k;             /* the most likely tokens at each of these places, best first; ties by id */
    int32_t *top_tokens;   /* (n_tokens - first, top_k); may be NULL if top_k is 0 */
    float *top_logprobs;   /* the same, or NULL */
} ft_score_request;

/* Scores all requests, many together; a few rows of logits exist at a time.  Memory and prefix sharing
   as in ft_session_generate: answers after one common context compute the context once.  On failure the
   buffers have undefined content. */
ft_status ft_session_score(ft_session *session, const ft_score_request *requests, int n_requests,
                           ft_error *err);

/* Since the session was made. */
typedef struct ft_session_stats {
    uint64_t tokens_computed; /* that went through the model */
    uint64_t tokens_shared;   /* of prompts, whose keys and values another sequence had computed */
    size_t kv_bytes;          /* of keys and values now, in use or kept */
    size_t kv_bytes_peak;
} ft_session_stats;
ft_session_stats ft_session_get_stats(const ft_session *session);

/* ----------------------------------------------------------------------------------------- bench */

/* Defaults ({0}): a prompt of 512 tokens, 128 decoded, batches of 1, 8 and 32, as many threads as
   processors, each measured 3 times (medians count), fewer where that takes over a minute. */
typedef struct ft_bench_desc {
    ft_allocator allocator;
    int n_prompt;       /* tokens of a prompt; batches above 1 begin after at most 128 */
    int n_decode;       /* greedy steps after it */
    const int *batches; /* (n_batches, at most 16) sequences decoded together */
    int n_batches;
    int threads;        /* as in ft_session_desc */
    int repeats;        /* at most 99 */
} ft_bench_desc;

/* Loads a model and measures prompts, decoding, loading and peak memory (of the whole process), and
   between them what this machine's integer units and memory allow on as many threads (512 MB of
   memory, not counted).  Writes a table or (json) one JSON object. */
ft_status ft_bench(const char *path, const ft_bench_desc *desc, bool json, ft_write_fn write,
                   void *user, ft_error *err);

/* ------------------------------------------------------------------------------------ evaluators */

typedef enum ft_score_state {
    FT_SCORED,         /* value holds a number in the evaluator's range */
    FT_SCORE_ERROR,    /* the evaluator could not run; detail says why */
    FT_NOT_APPLICABLE, /* the evaluator is limited to rows unlike this one */
    FT_MISSING         /* there is no output to score */
} ft_score_state;

typedef struct ft_score {
    ft_score_state state;
    double value;
    bool pass;        /* value against the threshold, in the evaluator's direction */
    char detail[160]; /* why, for a reader; may be empty */
} ft_score;

/* One row of the registry.  `params` is a JSON object of every parameter with its default. */
typedef struct ft_evaluator_info {
    const char *name;
    const char *summary;
    const char *fields;    /* the row fields it needs, "" for none */
    const char *params;
    double lowest, highest;
    bool higher_is_better;
    double threshold;      /* default: a row passes at this value or better */
    const char *signature; /* name, version and what they mean; changes when a score could */
} ft_evaluator_info;

int ft_evaluator_count(void);
const ft_evaluator_info *ft_evaluator_at(int index); /* NULL outside 0..count-1 */

typedef struct ft_evaluator ft_evaluator;
typedef struct ft_row ft_row;

/* An evaluator by its registry name, with parameters as a JSON object (NULL = defaults).  Needs no
   model.  An unknown name or parameter is an error that names the nearest known one. */
ft_evaluator *ft_evaluator_create(const char *name, const char *params_json,
                                  const ft_allocator *allocator, ft_error *err);
const ft_evaluator_info *ft_evaluator_get_info(const ft_evaluator *evaluator);
void ft_evaluator_free(ft_evaluator *evaluator);

/* A row from one JSON object: {"prompt": ..., "expected": ...}. */
ft_row *ft_row_parse(const char *json, size_t n_bytes, const ft_allocator *allocator, ft_error *err);
void ft_row_free(ft_row *row);

/* Scores one output (NULL = missing) against a row.  Fails only for want of memory; whatever else
   goes wrong is a state of the score. */
ft_status ft_evaluate(const ft_evaluator *evaluator, const ft_row *row, const char *output,
                      size_t n_bytes, ft_score *score, ft_error *err);

/* --------------------------------------------------------------------------------------- release */

typedef struct ft_job ft_job;
typedef struct ft_result ft_result;
typedef enum ft_verdict { FT_SHIP = 0, FT_BLOCK = 1, FT_INSUFFICIENT = 2 } ft_verdict;

/* One --set: path.to.key=JSON, applied before the job is checked. */
typedef struct ft_job_desc {
    ft_allocator allocator;
    const char *const *sets; /* (n_sets) */
    int n_sets;
    const char *output;      /* replaces the job's "output"; NULL keeps it */
} ft_job_desc;

/* Reads and checks a job file and the rows that it names.  Paths in it are relative to the file. */
ft_job *ft_job_load(const char *path, const ft_job_desc *desc, ft_error *err);
void ft_job_free(ft_job *job);

typedef struct ft_progress {
    uint64_t done, total; /* answers: rows times variants */
    double seconds;       /* since the start */
} ft_progress;

typedef struct ft_compare_desc {
    int threads; /* as in ft_session_desc */
    void *user;
    int (*progress)(void *user, const ft_progress *progress); /* 0 to go on */
} ft_compare_desc;

/* Runs base and candidates on every row, scores, gates, and writes the run folder if the job names
   one: job.json, rows.jsonl, timing.json and, last, result.json; an older run's files there go first.
   The job must outlive the result and may be used by several comparisons at once, unless they write
   to the same folder. */
ft_result *ft_compare(const ft_job *job, const ft_compare_desc *desc, ft_error *err);
void ft_result_free(ft_result *result);

ft_verdict ft_result_verdict(const ft_result *result); /* the worst over all candidates */
const char *ft_verdict_name(ft_verdict verdict);       /* "ship" */
/* 64 hexadecimal digits: the SHA-256 of all bytes of result.json before the line that begins with
   "digest", which is its last key:  head -n -2 result.json | sha256sum */
const char *ft_result_digest(const ft_result *result);
/* result.json itself, NUL after it; lives as long as the result.  n_bytes may be NULL. */
const char *ft_result_json(const ft_result *result, size_t *n_bytes);

/* The result as a table for a terminal of `width` columns (0 = 100), coloured if asked. */
ft_status ft_report_term(const ft_result *result, int width, bool color, ft_write_fn write,
                         void *user, ft_error *err);

#ifdef __cplusplus
}
#endif
#endif /* FT_H */

#ifdef FT_IMPLEMENTATION
/* The rooms, floor by floor: the one list that there is. */
/* ---- begin src/base/error.c */
/* Errors are values: a code, a sentence, a place. */
/* ---- begin src/base/base.h */
/* Floor 0: what every room stands on.  Errors, memory, text, exact arithmetic, random numbers,
   hashing, files, threads, processor features.  No global state anywhere. */
#ifndef FT__BASE_H
#define FT__BASE_H

/* Rooms compiled as separate objects see POSIX; in the amalgamated header ft.h has seen to it. */
#if !defined(FT_IMPLEMENTATION) && !defined(_DEFAULT_SOURCE) && !defined(_GNU_SOURCE)
#define _DEFAULT_SOURCE 1
#endif


#include <float.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if !defined(__GNUC__)
#error "ft needs gcc or clang"
#endif
#if defined(__FAST_MATH__)
#error "ft promises the same bits everywhere: -ffast-math breaks that"
#endif
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0
#error "ft promises the same bits everywhere: compile with -msse2 -mfpmath=sse"
#endif
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "ft runs on little-endian machines only"
#endif

/* A product and a sum are two roundings (the arithmetic contract, rule 1). */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#endif

/* Private functions are static inside ft.h; as separate objects they have to be seen by other rooms.
   "unused": some serve the tests and the tools that make models. */
#ifdef FT_IMPLEMENTATION
#define FT__PRIV static __attribute__((unused))
#else
#define FT__PRIV
#endif
#define FT__PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define FT__COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- error: base/error.c */

/* Fills *err (if any) and returns `code`.  `where` may be NULL or "". */
FT__PRIV ft_status ft__fail(ft_error *err, ft_status code, const char *where, const char *fmt, ...)
    FT__PRINTF(4, 5);
FT__PRIV ft_status ft__fail_memory(ft_error *err); /* FT_ERR_MEMORY, "out of memory" */

/* ---- alloc: base/alloc.c */

/* The allocator to use for a desc's: malloc and friends where its functions are NULL. */
FT__PRIV ft_allocator ft__allocator(const ft_allocator *given);
FT__PRIV void *ft__alloc(const ft_allocator *a, size_t size);                /* never size 0 */
FT__PRIV void *ft__alloc_zero(const ft_allocator *a, size_t count, size_t size); /* checked product */
FT__PRIV void *ft__resize(const ft_allocator *a, void *memory, size_t count, size_t size);
FT__PRIV void ft__free(const ft_allocator *a, void *memory);                 /* NULL is fine */
FT__PRIV void *ft__alloc_aligned(const ft_allocator *a, size_t count, size_t size); /* 64 bytes */
FT__PRIV void ft__free_aligned(const ft_allocator *a, void *memory);

/* True and *out = a op b, or false where it does not fit. */
FT__PRIV bool ft__add_size(size_t a, size_t b, size_t *out);
FT__PRIV bool ft__mul_size(size_t a, size_t b, size_t *out);
FT__PRIV bool ft__mul_u64(uint64_t a, uint64_t b, uint64_t *out);
FT__PRIV bool ft__add_u64(uint64_t a, uint64_t b, uint64_t *out);

/* Grows *items (of `size` bytes each) so that it holds at least `need`; false if out of memory. */
FT__PRIV bool ft__grow(const ft_allocator *a, void **items, size_t *cap, size_t need, size_t size);

/* Memory that is freed all at once.  Zero bytes are never asked for; NULL means out of memory, and
   `failed` remembers it, so that a room may check once at its end. */
typedef struct ft__arena_block ft__arena_block;
typedef struct ft__arena {
    ft_allocator allocator;
    ft__arena_block *blocks;
    bool failed;
} ft__arena;
FT__PRIV void ft__arena_init(ft__arena *arena, const ft_allocator *a);
FT__PRIV void ft__arena_free(ft__arena *arena);
FT__PRIV void *ft__arena_alloc(ft__arena *arena, size_t count, size_t size); /* 16-aligned, zeroed */
FT__PRIV char *ft__arena_text(ft__arena *arena, const char *text, size_t n);  /* copy + NUL */
FT__PRIV char *ft__arena_printf(ft__arena *arena, const char *fmt, ...) FT__PRINTF(2, 3);

/* ---- str: base/str.c */

/* A growing text, NUL-terminated once anything was added.  After a failed allocation appends do
   nothing and `failed` is true: check once at the end. */
typedef struct ft__buf {
    ft_allocator allocator;
    char *data;
    size_t len, cap;
    bool failed;
} ft__buf;
FT__PRIV void ft__buf_init(ft__buf *b, const ft_allocator *a);
FT__PRIV void ft__buf_free(ft__buf *b);
FT__PRIV void ft__buf_add(ft__buf *b, const char *bytes, size_t n);
FT__PRIV void ft__buf_text(ft__buf *b, const char *text);
FT__PRIV void ft__buf_byte(ft__buf *b, char c);
/* For integers and strings only: floats would follow the host's locale. */
FT__PRIV void ft__buf_printf(ft__buf *b, const char *fmt, ...) FT__PRINTF(2, 3);
/* A double with a fixed number of decimals (0..9), rounded half to even on its exact binary value's
   scaled product; never locale-dependent.  For people, not for files. */
FT__PRIV void ft__buf_fixed(ft__buf *b, double value, int decimals);

FT__PRIV bool ft__text_equal(const char *a, size_t n_a, const char *b, size_t n_b);
/* The name nearest to `wanted` among `count` names (stride bytes apart; each a const char * at the
   start of its record), or NULL if none is near.  For "did you mean". */
FT__PRIV const char *ft__nearest(const char *wanted, const void *names, size_t count, size_t stride);
/* Shell pattern with * and ? over whole strings, bytes; linear-time. */
FT__PRIV bool ft__glob(const char *pattern, const char *text);

/* UTF-8.  Decodes one character at *p (< end) and moves *p past it; an invalid byte gives
   FT__BAD_UTF8 and moves by one. */
#define FT__BAD_UTF8 0xFFFFFFFFu
FT__PRIV uint32_t ft__utf8_next(const char **p, const char *end);
FT__PRIV int ft__utf8_encode(uint32_t code_point, char out[4]); /* number of bytes */
/* How many bytes at the end of text are the beginning of a character that may still be completed. */
FT__PRIV size_t ft__utf8_incomplete_tail(const char *text, size_t n);

/* ---- math: base/math.c.  Own, exact in order: the same bits everywhere. */
FT__PRIV float ft__expf(float x);         /* 0 below -87, finite above */
FT__PRIV float ft__recipf(float x);       /* 1/x for normal x, |x| in 2^-126..2^126 */
FT__PRIV float ft__rsqrtf(float x);       /* 1/sqrt(x), x > 0 normal */
FT__PRIV float ft__tanhf(float x);
FT__PRIV double ft__exp(double x);
FT__PRIV double ft__log(double x);        /* x > 0 */
FT__PRIV void ft__sincos(double x, double *sin_x, double *cos_x); /* |x| < 2^30 */
FT__PRIV double ft__pow(double base, double exponent);            /* base > 0 */
FT__PRIV double ft__sqrt(double x);       /* x >= 0 */
FT__PRIV double ft__floor(double x);
FT__PRIV float ft__f16_to_f32(uint16_t h);
FT__PRIV uint16_t ft__f32_to_f16(float f); /* half to even */
FT__PRIV float ft__bf16_to_f32(uint16_t h);
FT__PRIV uint16_t ft__f32_to_bf16(float f);
FT__PRIV uint32_t ft__bits_of(float f);
FT__PRIV float ft__float_of(uint32_t bits);
FT__PRIV bool ft__finite(double x);

/* ---- random: base/random.c */

/* Philox4x32-10: four 32-bit words from a 128-bit counter and a 64-bit key. */
FT__PRIV void ft__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
/* One number in [0, 1) with 53 bits for (seed, row, variant, position). */
FT__PRIV double ft__random_unit(uint64_t seed, uint64_t row, uint64_t variant, uint32_t position);

/* ---- sha256: base/sha256.c (FIPS 180-4) */
typedef struct ft__sha256 {
    uint32_t state[8];
    uint64_t n_bytes;
    uint8_t block[64];
} ft__sha256;
FT__PRIV void ft__sha256_init(ft__sha256 *h);
FT__PRIV void ft__sha256_add(ft__sha256 *h, const void *bytes, size_t n);
FT__PRIV void ft__sha256_end(ft__sha256 *h, uint8_t digest[32]);
FT__PRIV void ft__sha256_hex(const void *bytes, size_t n, char hex[65]);
FT__PRIV void ft__hex(const uint8_t *bytes, size_t n, char *hex); /* 2 n digits and NUL */

/* ---- file: base/file.c */
typedef struct ft__mapping {
    const uint8_t *data; /* NULL for an empty file */
    size_t size;
} ft__mapping;
FT__PRIV ft_status ft__map_file(const char *path, ft__mapping *m, ft_error *err);
FT__PRIV void ft__unmap(ft__mapping *m);
/* These bytes of a mapping will hardly be read again: their pages need not stay in this process. */
FT__PRIV void ft__map_forget(const uint8_t *data, size_t size);
/* This memory will be read from end to end, often: large pages help. */
FT__PRIV void ft__want_large_pages(void *memory, size_t size);
/* The whole file and a NUL after it; the caller frees *data with ft__free. */
FT__PRIV ft_status ft__read_file(const char *path, const ft_allocator *a, char **data, size_t *size,
                                 ft_error *err);

/* A file that appears under its name only once it is whole: written beside it, synced, renamed. */
typedef struct ft__writer {
    ft_allocator allocator;
    char *path, *temporary;
    int fd;
    char buffer[4096];
    size_t n_buffered;
} ft__writer;
FT__PRIV ft_status ft__writer_open(ft__writer *w, const char *path, const ft_allocator *a,
                                   ft_error *err);
FT__PRIV ft_status ft__writer_add(ft__writer *w, const void *bytes, size_t n, ft_error *err);
FT__PRIV ft_status ft__writer_commit(ft__writer *w, ft_error *err);
FT__PRIV void ft__writer_abort(ft__writer *w); /* after any failure, or instead of commit */
FT__PRIV ft_status ft__write_file(const char *path, const void *bytes, size_t n,
                                  const ft_allocator *a, ft_error *err); /* all four in one */
FT__PRIV ft_status ft__make_dirs(const char *path, const ft_allocator *a, ft_error *err);
FT__PRIV ft_status ft__remove_file(const char *path, ft_error *err); /* absent is fine */
/* `path` seen from the folder of the file `from`; absolute paths stay.  In the arena. */
FT__PRIV char *ft__path_beside(ft__arena *arena, const char *from, const char *path);
FT__PRIV char *ft__path_join(ft__arena *arena, const char *folder, const char *name);
FT__PRIV double ft__seconds(void); /* monotonic */

/* ---- thread: base/thread.c */

/* Threads that share out the parts of one job at a time: fn(user, part) for part 0..n_parts-1, each
   once, in any order, on any thread.  The caller works too.  Parts must not depend on each other. */
typedef struct ft__pool ft__pool;
FT__PRIV ft__pool *ft__pool_create(int n_threads, const ft_allocator *a, ft_error *err);
FT__PRIV void ft__pool_free(ft__pool *pool);
FT__PRIV int ft__pool_size(const ft__pool *pool);
FT__PRIV void ft__pool_run(ft__pool *pool, void (*fn)(void *user, int part), void *user, int n_parts);

/* ---- cpu: base/cpu.c */
typedef enum ft__isa {
    FT__ISA_SCALAR, FT__ISA_AVX2, FT__ISA_AVX512, /* within a family: the better one later */
    FT__ISA_NEON, FT__ISA_DOTPROD, FT__ISA_COUNT
} ft__isa;
FT__PRIV const char *ft__isa_name(ft__isa isa);
/* The best path for this machine, or the one that FT_ISA names; an unknown or impossible name is an
   error rather than a silent change of speed. */
FT__PRIV ft_status ft__isa_choose(ft__isa *isa, ft_error *err);
FT__PRIV int ft__cpu_count(void);
/* Fails if the host program changed the rounding mode or flushes subnormals, or if the compiler
   fused a product and a sum. */
FT__PRIV ft_status ft__check_float_mode(ft_error *err);

#endif /* FT__BASE_H */
/* ---- end src/base/base.h */

typedef struct ft__error_row {
    const char *name, *text;
    int exit_code;
} ft__error_row;

static const ft__error_row ft__error_rows[] = {
#define FT__ERROR_ROW(name, exit_code, text) {#name, text, exit_code},
    FT_STATUS_LIST(FT__ERROR_ROW)
#undef FT__ERROR_ROW
};

static const ft__error_row *ft__error_find(ft_status status) {
    static const ft__error_row unknown = {"FT_ERR_UNKNOWN", "unknown status", 4};
    return (unsigned)status < FT_STATUS_COUNT ? &ft__error_rows[status] : &unknown;
}

const char *ft_status_name(ft_status status) { return ft__error_find(status)->name; }
const char *ft_status_text(ft_status status) { return ft__error_find(status)->text; }
int ft_status_exit_code(ft_status status) { return ft__error_find(status)->exit_code; }

/* Messages quote files from strangers and end on terminals: control bytes become '?'. */
static void ft__error_tame(char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < 32 || *text == 127) *text = '?';
}

FT__PRIV ft_status ft__fail(ft_error *err, ft_status code, const char *where, const char *fmt, ...) {
    if (!err) return code;
    va_list args;
    va_start(args, fmt);
    err->code = code;
    vsnprintf(err->message, sizeof err->message, fmt, args);
    snprintf(err->where, sizeof err->where, "%s", where ? where : "");
    va_end(args);
    ft__error_tame(err->message);
    ft__error_tame(err->where);
    return code;
}

FT__PRIV ft_status ft__fail_memory(ft_error *err) {
    return ft__fail(err, FT_ERR_MEMORY, NULL, "out of memory");
}
/* ---- end src/base/error.c */
/* ---- begin src/base/alloc.c */
/* Memory: the host's three functions, checked sizes, aligned blocks, and an arena for what lives and dies
   together. */

static void *ft__alloc_malloc(void *user, size_t size) {
    (void)user;
    return malloc(size);
}

static void *ft__alloc_realloc(void *user, void *memory, size_t size) {
    (void)user;
    return realloc(memory, size);
}

static void ft__alloc_release(void *user, void *memory) {
    (void)user;
    free(memory);
}

FT__PRIV ft_allocator ft__allocator(const ft_allocator *given) {
    ft_allocator standard = {NULL, ft__alloc_malloc, ft__alloc_realloc, ft__alloc_release};
    return given && given->alloc && given->resize && given->release ? *given : standard;
}

FT__PRIV void *ft__alloc(const ft_allocator *a, size_t size) {
    return a->alloc(a->user, size ? size : 1);
}

FT__PRIV void *ft__alloc_zero(const ft_allocator *a, size_t count, size_t size) {
    size_t total;
    if (!ft__mul_size(count, size, &total)) return NULL;
    void *memory = ft__alloc(a, total);
    if (memory) memset(memory, 0, total);
    return memory;
}

FT__PRIV void *ft__resize(const ft_allocator *a, void *memory, size_t count, size_t size) {
    size_t total;
    if (!ft__mul_size(count, size, &total)) return NULL;
    return a->resize(a->user, memory, total ? total : 1);
}

FT__PRIV void ft__free(const ft_allocator *a, void *memory) {
    if (memory) a->release(a->user, memory);
}

/* The block's true start is kept in the word before the aligned address. */
FT__PRIV void *ft__alloc_aligned(const ft_allocator *a, size_t count, size_t size) {
    size_t total;
    if (!ft__mul_size(count, size, &total) || !ft__add_size(total, 64 + sizeof(void *), &total))
        return NULL;
    char *memory = (char *)ft__alloc(a, total);
    if (!memory) return NULL;
    uintptr_t start = ((uintptr_t)memory + sizeof(void *) + 63) & ~(uintptr_t)63;
    void **aligned = (void **)start;
    aligned[-1] = memory;
    return aligned;
}

FT__PRIV void ft__free_aligned(const ft_allocator *a, void *memory) {
    if (memory) ft__free(a, ((void **)memory)[-1]);
}

FT__PRIV bool ft__add_size(size_t a, size_t b, size_t *out) {
    *out = a + b;
    return *out >= a;
}

FT__PRIV bool ft__mul_size(size_t a, size_t b, size_t *out) {
    *out = a * b;
    return a == 0 || *out / a == b;
}

FT__PRIV bool ft__add_u64(uint64_t a, uint64_t b, uint64_t *out) {
    *out = a + b;
    return *out >= a;
}

FT__PRIV bool ft__mul_u64(uint64_t a, uint64_t b, uint64_t *out) {
    *out = a * b;
    return a == 0 || *out / a == b;
}

FT__PRIV bool ft__grow(const ft_allocator *a, void **items, size_t *cap, size_t need, size_t size) {
    if (need <= *cap) return true;
    size_t bigger = *cap < 8 ? 8 : *cap + *cap / 2;
    if (bigger < need) bigger = need;
    void *moved = ft__resize(a, *items, bigger, size);
    if (!moved) return false;
    *items = moved;
    *cap = bigger;
    return true;
}

struct ft__arena_block {
    ft__arena_block *next;
    size_t used, size; /* bytes after this header */
};

enum { FT__ARENA_BLOCK = 16 * 1024, FT__ARENA_ALIGN = 16 };
#define FT__ARENA_HEADER ((sizeof(ft__arena_block) + FT__ARENA_ALIGN - 1) / FT__ARENA_ALIGN * FT__ARENA_ALIGN)

FT__PRIV void ft__arena_init(ft__arena *arena, const ft_allocator *a) {
    arena->allocator = ft__allocator(a);
    arena->blocks = NULL;
    arena->failed = false;
}

FT__PRIV void ft__arena_free(ft__arena *arena) {
    ft__arena_block *block = arena->blocks;
    while (block) {
        ft__arena_block *next = block->next;
        ft__free(&arena->allocator, block);
        block = next;
    }
    arena->blocks = NULL;
}

static ft__arena_block *ft__arena_add_block(ft__arena *arena, size_t need) {
    size_t size = need > FT__ARENA_BLOCK ? need : (size_t)FT__ARENA_BLOCK, total;
    if (!ft__add_size(size, FT__ARENA_HEADER, &total)) return NULL;
    ft__arena_block *block = (ft__arena_block *)ft__alloc(&arena->allocator, total);
    if (!block) return NULL;
    block->used = 0;
    block->size = size;
    /* a block made for one large piece goes behind the current one, which still has room */
    if (arena->blocks && need > FT__ARENA_BLOCK / 2) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = arena->blocks;
        arena->blocks = block;
    }
    return block;
}

FT__PRIV void *ft__arena_alloc(ft__arena *arena, size_t count, size_t size) {
    size_t total, rounded;
    if (!ft__mul_size(count, size, &total) ||
        !ft__add_size(total ? total : 1, FT__ARENA_ALIGN - 1, &rounded)) {
        arena->failed = true;
        return NULL;
    }
    rounded = rounded / FT__ARENA_ALIGN * FT__ARENA_ALIGN;
    ft__arena_block *block = arena->blocks;
    if (!block || block->size - block->used < rounded) block = ft__arena_add_block(arena, rounded);
    if (!block) {
        arena->failed = true;
        return NULL;
    }
    void *memory = (char *)block + FT__ARENA_HEADER + block->used;
    block->used += rounded;
    memset(memory, 0, rounded);
    return memory;
}

FT__PRIV char *ft__arena_text(ft__arena *arena, const char *text, size_t n) {
    char *copy = (char *)ft__arena_alloc(arena, n < SIZE_MAX ? n + 1 : SIZE_MAX, 1);
    if (copy && n) memcpy(copy, text, n);
    return copy;
}

FT__PRIV char *ft__arena_printf(ft__arena *arena, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = (char *)ft__arena_alloc(arena, n < 0 ? SIZE_MAX : (size_t)n + 1, 1);
    if (!text) return NULL;
    va_start(args, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, args);
    va_end(args);
    return text;
}
/* ---- end src/base/alloc.c */
/* ---- begin src/base/str.c */
/* Text: a growing buffer, patterns, the nearest name, UTF-8. */

FT__PRIV void ft__buf_init(ft__buf *b, const ft_allocator *a) {
    memset(b, 0, sizeof *b);
    b->allocator = ft__allocator(a);
}

FT__PRIV void ft__buf_free(ft__buf *b) {
    ft__free(&b->allocator, b->data);
    b->data = NULL;
    b->len = b->cap = 0;
}

/* Room for n more bytes and the NUL. */
static bool ft__buf_room(ft__buf *b, size_t n) {
    size_t need;
    if (b->failed) return false;
    if (!ft__add_size(b->len, n, &need) || !ft__add_size(need, 1, &need) ||
        !ft__grow(&b->allocator, (void **)&b->data, &b->cap, need, 1))
        b->failed = true;
    return !b->failed;
}

FT__PRIV void ft__buf_add(ft__buf *b, const char *bytes, size_t n) {
    if (!ft__buf_room(b, n)) return;
    if (n) memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = 0;
}

FT__PRIV void ft__buf_text(ft__buf *b, const char *text) { ft__buf_add(b, text, strlen(text)); }
FT__PRIV void ft__buf_byte(ft__buf *b, char c) { ft__buf_add(b, &c, 1); }

FT__PRIV void ft__buf_printf(ft__buf *b, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0) b->failed = true; /* longer than an int can say */
    if (!ft__buf_room(b, (size_t)n)) return;
    va_start(args, fmt);
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, args);
    va_end(args);
    b->len += (size_t)n;
}

FT__PRIV void ft__buf_fixed(ft__buf *b, double value, int decimals) {
    static const double scales[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    double scaled = (value < 0 ? -value : value) * scales[decimals];
    if (!(scaled < 9e15)) { /* also NaN */
        ft__buf_text(b, value != value ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    uint64_t whole = (uint64_t)scaled, unit = (uint64_t)scales[decimals];
    double rest = scaled - (double)whole;
    if (rest > 0.5 || (rest >= 0.5 && (whole & 1))) whole++;
    ft__buf_printf(b, "%s%llu", value < 0 && whole ? "-" : "", (unsigned long long)(whole / unit));
    if (decimals) ft__buf_printf(b, ".%0*llu", decimals, (unsigned long long)(whole % unit));
}

FT__PRIV bool ft__text_equal(const char *a, size_t n_a, const char *b, size_t n_b) {
    return n_a == n_b && (n_a == 0 || memcmp(a, b, n_a) == 0);
}

/* Levenshtein distance with one row; names longer than 63 bytes are never near. */
static unsigned ft__nearest_distance(const char *a, const char *b) {
    size_t n_a = strlen(a), n_b = strlen(b);
    unsigned row[64];
    if (n_a > 63 || n_b > 63) return 99;
    for (size_t j = 0; j <= n_b; j++) row[j] = (unsigned)j;
    for (size_t i = 1; i <= n_a; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n_b; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[n_b];
}

FT__PRIV const char *ft__nearest(const char *wanted, const void *names, size_t count, size_t stride) {
    const char *best = NULL;
    unsigned limit = (unsigned)strlen(wanted) / 3 + 2;
    for (size_t i = 0; i < count; i++) {
        const char *name = *(const char *const *)(const void *)((const char *)names + i * stride);
        unsigned distance = ft__nearest_distance(wanted, name);
        if (distance < limit) {
            limit = distance;
            best = name;
        }
    }
    return best;
}

/* On a mismatch only the last star has to be tried again, one byte further: linear in practice and at
   most pattern times text. */
FT__PRIV bool ft__glob(const char *pattern, const char *text) {
    const char *star = NULL, *retry = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            retry = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*') pattern++;
    return *pattern == 0;
}

/* Length that the first byte announces, and the smallest second byte rules of Unicode table 3-7. */
static int ft__utf8_length(unsigned char lead) {
    return lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
}

static bool ft__utf8_second_ok(unsigned char lead, unsigned char second) {
    unsigned char lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    return second >= lowest && second <= highest;
}

FT__PRIV uint32_t ft__utf8_next(const char **p, const char *end) {
    const unsigned char *s = (const unsigned char *)*p;
    int n = ft__utf8_length(s[0]);
    *p += 1;
    if (n == 1) return s[0];
    if (n == 0 || end - (*p - 1) < n || !ft__utf8_second_ok(s[0], s[1])) return FT__BAD_UTF8;
    uint32_t c = s[0] & (0x7Fu >> n);
    for (int i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80) return FT__BAD_UTF8;
        c = c << 6 | (s[i] & 0x3Fu);
    }
    *p += n - 1;
    return c;
}

FT__PRIV int ft__utf8_encode(uint32_t c, char out[4]) {
    int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (int i = n - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(lead[n] | c);
    return n;
}

FT__PRIV size_t ft__utf8_incomplete_tail(const char *text, size_t n) {
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        unsigned char c = (unsigned char)text[n - back];
        if ((c & 0xC0) == 0x80) continue;
        if ((size_t)ft__utf8_length(c) <= back) return 0;
        if (back > 1 && !ft__utf8_second_ok(c, (unsigned char)text[n - back + 1])) return 0;
        return back;
    }
    return 0;
}
/* ---- end src/base/str.c */
/* ---- begin src/base/math.c */
/* Mathematics without libm: every function is + - * and integer operations in one fixed order (a double
   division where only the processor computes), so that its bits are the same on every machine, compiler
   and instruction set.  The vector kernels repeat the float functions operation by operation.

   Polynomial coefficients: our own weighted least-squares (near minimax) fits; splits of ln 2 and pi/2
   in the manner of Cody and Waite. */

FT__PRIV uint32_t ft__bits_of(float f) {
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

FT__PRIV float ft__float_of(uint32_t u) {
    float f;
    memcpy(&f, &u, 4);
    return f;
}

static uint64_t ft__math_bits(double d) {
    uint64_t u;
    memcpy(&u, &d, 8);
    return u;
}

static double ft__math_double(uint64_t u) {
    double d;
    memcpy(&d, &u, 8);
    return d;
}

FT__PRIV bool ft__finite(double x) { return (ft__math_bits(x) >> 52 & 0x7FF) != 0x7FF; }

/* Comparisons are written so that a NaN takes the constant, as the vector minimum does. */
FT__PRIV float ft__expf(float x) {
    bool zero = !(x >= -87.0f);
    x = x < 88.0f ? x : 88.0f;
    x = x > -87.0f ? x : -87.0f;
    float shifted = x * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: the sum rounds to an integer */
    float n = shifted - 12582912.0f;
    float r = x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    float p = 0.0013942160876467824f;
    p = p * r + 0.008363775908946991f;
    p = p * r + 0.041666362434625626f;
    p = p * r + 0.16666573286056519f;
    p = p * r + 0.5f;
    p = p * (r * r);
    p = p + r;
    p = p + 1.0f;
    uint32_t power = (ft__bits_of(shifted) - 0x4B400000u + 127u) << 23;
    return zero ? 0.0f : p * ft__float_of(power);
}

/* Newton from a linear guess in the logarithm (the integer of the bits); three steps reach the last bit
   but one. */
FT__PRIV float ft__recipf(float x) {
    float y = ft__float_of(0x7EF311C3u - ft__bits_of(x));
    y = y * (2.0f - x * y);
    y = y * (2.0f - x * y);
    y = y * (2.0f - x * y);
    return y;
}

FT__PRIV float ft__rsqrtf(float x) {
    float y = ft__float_of(0x5F375A86u - (ft__bits_of(x) >> 1)), half = x * 0.5f;
    y = y * (1.5f - half * (y * y));
    y = y * (1.5f - half * (y * y));
    y = y * (1.5f - half * (y * y));
    return y;
}

FT__PRIV float ft__tanhf(float x) {
    float a = ft__float_of(ft__bits_of(x) & 0x7FFFFFFFu), result;
    if (a < 0.625f) {
        float z = a * a, p = 0.002275871578603983f;
        p = p * z + -0.00832956563681364f;
        p = p * z + 0.021764738485217094f;
        p = p * z + -0.05395878106355667f;
        p = p * z + 0.1333330124616623f;
        p = p * z + -0.3333333432674408f;
        result = a + a * (z * p);
    } else {
        a = a < 20.0f ? a : 20.0f;
        result = 1.0f - 2.0f * ft__recipf(ft__expf(2.0f * a) + 1.0f);
    }
    return ft__float_of(ft__bits_of(result) | (ft__bits_of(x) & 0x80000000u));
}

FT__PRIV double ft__floor(double x) {
    if (!(x > -4503599627370496.0 && x < 4503599627370496.0)) return x; /* 2^52: already whole */
    double whole = (double)(int64_t)x;
    return whole > x ? whole - 1 : whole;
}

/* x * 2^n without overflow on the way; n in -1100..1100. */
static double ft__math_scale(double x, int n) {
    int half = n / 2;
    x *= ft__math_double((uint64_t)(half + 1023) << 52);
    return x * ft__math_double((uint64_t)(n - half + 1023) << 52);
}

FT__PRIV double ft__exp(double x) {
    if (x != x) return x;
    if (x > 709.8) return ft__math_double(0x7FF0000000000000u);
    if (x < -745.2) return 0;
    double n = ft__floor(x * 1.4426950408889634 + 0.5);
    double r = (x - n * 0.6931471805592082) - n * 7.371002565167799e-13;
    double sum = 1, term = 1;
    for (int i = 1; i <= 14; i++) { /* |r| <= 0.35: the next term is below 2^-57 */
        term = term * r / i;
        sum += term;
    }
    return ft__math_scale(sum, (int)n);
}

/* log m = 2 artanh((m-1)/(m+1)) with m in [sqrt(1/2), sqrt 2). */
FT__PRIV double ft__log(double x) {
    int exponent = 0;
    if (!(x > 0)) return ft__math_double(x == 0 ? 0xFFF0000000000000u : 0x7FF8000000000000u);
    if (!ft__finite(x)) return x;
    if (x < 2.2250738585072014e-308) x *= 18014398509481984.0, exponent = -54;
    uint64_t bits = ft__math_bits(x);
    exponent += (int)(bits >> 52) - 1023;
    double m = ft__math_double((bits & 0xFFFFFFFFFFFFFu) | 0x3FF0000000000000u);
    if (m > 1.4142135623730951) m *= 0.5, exponent++;
    double s = (m - 1) / (m + 1), z = s * s, sum = 0;
    for (int i = 23; i >= 1; i -= 2) sum = sum * z + 1.0 / i;
    double n = exponent;
    return n * 0.6931471805592082 + (2 * s * sum + n * 7.371002565167799e-13);
}

/* The first two parts of pi/2 have at most 23 bits, so that their products with n < 2^30 are exact. */
FT__PRIV void ft__sincos(double x, double *sin_x, double *cos_x) {
    double n = ft__floor(x * 0.6366197723675814 + 0.5);
    double r = ((x - n * 1.570796251296997) - n * 7.549789415861596e-08) - n * 5.390302858158119e-15;
    double z = r * r, s = 1, c = 1;
    for (int i = 18; i >= 2; i -= 2) {
        s = 1 - s * z / (i * (i + 1)); /* r - r^3/3! + ..., from the small end */
        c = 1 - c * z / (i * (i - 1));
    }
    s *= r;
    switch ((int64_t)n & 3) {
    case 0: *sin_x = s, *cos_x = c; break;
    case 1: *sin_x = c, *cos_x = -s; break;
    case 2: *sin_x = -s, *cos_x = -c; break;
    default: *sin_x = -c, *cos_x = s; break;
    }
}

FT__PRIV double ft__pow(double base, double exponent) { return ft__exp(exponent * ft__log(base)); }

/* Heron's steps from half the exponent: each doubles the digits, the sixth stands. */
FT__PRIV double ft__sqrt(double x) {
    if (!(x > 0) || !ft__finite(x)) return x == 0 || x > 0 ? x : ft__math_double(0x7FF8000000000000u);
    if (x < 2.2250738585072014e-308) return ft__sqrt(x * 18014398509481984.0) * (1.0 / 134217728);
    double y = ft__math_double((ft__math_bits(x) >> 1) + 0x1FF8000000000000u);
    for (int i = 0; i < 6; i++) y = 0.5 * (y + x / y);
    return y;
}

/* Half precision: 1 sign, 5 exponent, 10 mantissa bits. */
FT__PRIV float ft__f16_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7FFF;
    if (rest >= 0x7C00) return ft__float_of(sign | 0x7F800000u | (rest & 0x3FF) << 13);
    if (rest >= 0x0400) return ft__float_of(sign | ((rest << 13) + (112u << 23)));
    float f = (float)rest * (1.0f / 16777216.0f); /* subnormal: a multiple of 2^-24 */
    return ft__float_of(sign | ft__bits_of(f));
}

FT__PRIV uint16_t ft__f32_to_f16(float f) {
    uint32_t u = ft__bits_of(f), sign = u >> 16 & 0x8000, a = u & 0x7FFFFFFF;
    if (a > 0x7F800000) return (uint16_t)(sign | 0x7E00 | (a >> 13 & 0x3FF)); /* NaN stays one */
    if (a >= 0x477FF000) return (uint16_t)(sign | 0x7C00);                    /* 65520 and up */
    if (a >= 0x38800000) { /* normal: round the 13 bits that go, half to even */
        uint32_t rounded = a + 0xFFF + (a >> 13 & 1);
        return (uint16_t)(sign | ((rounded - (112u << 23)) >> 13));
    }
    float scaled = ft__float_of(a) * 16777216.0f + 8388608.0f; /* the sum rounds to an integer */
    return (uint16_t)(sign | (ft__bits_of(scaled) - 0x4B000000u));
}

FT__PRIV float ft__bf16_to_f32(uint16_t h) { return ft__float_of((uint32_t)h << 16); }

FT__PRIV uint16_t ft__f32_to_bf16(float f) {
    uint32_t u = ft__bits_of(f);
    if ((u & 0x7FFFFFFF) > 0x7F800000) return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7FFF + (u >> 16 & 1)) >> 16);
}
/* ---- end src/base/math.c */
/* ---- begin src/base/random.c */
/* Random numbers without a state: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers, as
   easy as 1, 2, 3; SC 2011).  A draw depends on its key and counter alone, so a row's sample does not
   depend on its neighbours. */

FT__PRIV void ft__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c0 = n0, c1 = (uint32_t)p1, c2 = n2, c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

/* The seed and the position are the counter, row and variant (folded to 64 bits by another Philox
   block) the key. */
FT__PRIV double ft__random_unit(uint64_t seed, uint64_t row, uint64_t variant, uint32_t position) {
    uint32_t names[4] = {(uint32_t)row, (uint32_t)(row >> 32), (uint32_t)variant,
                         (uint32_t)(variant >> 32)};
    uint32_t zero[2] = {0, 0}, folded[4], out[4];
    ft__philox(names, zero, folded);
    uint32_t counter[4] = {position, 0, (uint32_t)seed, (uint32_t)(seed >> 32)};
    ft__philox(counter, folded, out);
    uint64_t bits = ((uint64_t)out[0] << 32 | out[1]) >> 11;
    return (double)bits * (1.0 / 9007199254740992.0);
}
/* ---- end src/base/random.c */
/* ---- begin src/base/sha256.c */
/* SHA-256 as FIPS 180-4 defines it. */

static const uint32_t ft__sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t ft__sha256_turn(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void ft__sha256_block(uint32_t s[8], const uint8_t *p) {
    uint32_t w[64], a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
    for (int i = 0; i < 16; i++, p += 4)
        w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    for (int i = 16; i < 64; i++) {
        uint32_t x = w[i - 15], y = w[i - 2];
        w[i] = w[i - 16] + (ft__sha256_turn(x, 7) ^ ft__sha256_turn(x, 18) ^ x >> 3) + w[i - 7] +
               (ft__sha256_turn(y, 17) ^ ft__sha256_turn(y, 19) ^ y >> 10);
    }
    for (int i = 0; i < 64; i++) {
        uint32_t s1 = ft__sha256_turn(e, 6) ^ ft__sha256_turn(e, 11) ^ ft__sha256_turn(e, 25);
        uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + ft__sha256_k[i] + w[i];
        uint32_t s0 = ft__sha256_turn(a, 2) ^ ft__sha256_turn(a, 13) ^ ft__sha256_turn(a, 22);
        uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    s[0] += a, s[1] += b, s[2] += c, s[3] += d, s[4] += e, s[5] += f, s[6] += g, s[7] += h;
}

FT__PRIV void ft__sha256_init(ft__sha256 *h) {
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(h->state, start, sizeof start);
    h->n_bytes = 0;
}

FT__PRIV void ft__sha256_add(ft__sha256 *h, const void *bytes, size_t n) {
    const uint8_t *p = (const uint8_t *)bytes;
    size_t held = (size_t)(h->n_bytes % 64);
    h->n_bytes += n;
    if (held && n) {
        size_t take = 64 - held < n ? 64 - held : n;
        memcpy(h->block + held, p, take);
        p += take, n -= take, held += take;
        if (held == 64) ft__sha256_block(h->state, h->block);
    }
    for (; n >= 64; p += 64, n -= 64) ft__sha256_block(h->state, p);
    if (n) memcpy(h->block, p, n);
}

FT__PRIV void ft__sha256_end(ft__sha256 *h, uint8_t digest[32]) {
    uint64_t n_bits = h->n_bytes * 8;
    uint8_t tail[72] = {0x80};
    size_t n = 64 - (size_t)((h->n_bytes + 8) % 64); /* at least one byte, up to the length field */
    for (size_t i = 0; i < 8; i++) tail[n + i] = (uint8_t)(n_bits >> (56 - 8 * i));
    ft__sha256_add(h, tail, n + 8);
    for (int i = 0; i < 32; i++) digest[i] = (uint8_t)(h->state[i / 4] >> (24 - 8 * (i % 4)));
}

FT__PRIV void ft__hex(const uint8_t *bytes, size_t n, char *hex) {
    for (size_t i = 0; i < n; i++) {
        hex[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    hex[2 * n] = 0;
}

FT__PRIV void ft__sha256_hex(const void *bytes, size_t n, char hex[65]) {
    ft__sha256 h;
    uint8_t digest[32];
    ft__sha256_init(&h);
    ft__sha256_add(&h, bytes, n);
    ft__sha256_end(&h, digest);
    ft__hex(digest, 32, hex);
}
/* ---- end src/base/sha256.c */
/* ---- begin src/base/file.c */
/* Files: mapped for reading, written so that a name never holds half a file. */

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static ft_status ft__file_error(ft_error *err, const char *path, const char *doing) {
    return ft__fail(err, FT_ERR_IO, path, "%s: %s", doing, strerror(errno));
}

/* A wrong name is the user's mistake (exit code 3), anything else the machine's (4). */
static void ft__file_open_error(ft_error *err, const char *path) {
    bool wrong_name = errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == ENAMETOOLONG;
    ft__fail(err, wrong_name ? FT_ERR_NOT_FOUND : FT_ERR_IO, path, "cannot open: %s", strerror(errno));
}

/* Opens a regular file and tells its size; -1 on failure. */
static int ft__file_open(const char *path, size_t *size, ft_error *err) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* do not wait for a pipe's writer */
    if (fd < 0) {
        ft__file_open_error(err, path);
        return -1;
    }
    if (fstat(fd, &st) != 0) {
        ft__file_error(err, path, "cannot read");
    } else if (!S_ISREG(st.st_mode)) {
        ft__fail(err, FT_ERR_NOT_FOUND, path, "not a regular file");
    } else if ((uint64_t)st.st_size > SIZE_MAX / 2) {
        ft__fail(err, FT_ERR_LIMIT, path, "the file is too large for this machine");
    } else {
        *size = (size_t)st.st_size;
        return fd;
    }
    close(fd);
    return -1;
}

FT__PRIV ft_status ft__map_file(const char *path, ft__mapping *m, ft_error *err) {
    ft_error mine;
    m->data = NULL;
    int fd = ft__file_open(path, &m->size, err ? err : (err = &mine));
    if (fd < 0) return err->code;
    if (m->size) {
        void *data = mmap(NULL, m->size, PROT_READ, MAP_SHARED, fd, 0);
        if (data == MAP_FAILED) {
            ft__file_error(err, path, "cannot map");
            close(fd);
            return FT_ERR_IO;
        }
        m->data = (const uint8_t *)data;
    }
    close(fd);
    return FT_OK;
}

FT__PRIV void ft__unmap(ft__mapping *m) {
    if (m->data) munmap((void *)(uintptr_t)m->data, m->size);
    m->data = NULL;
    m->size = 0;
}

/* Advice on the whole pages within a piece of memory; on what the system does not know it does nothing. */
__attribute__((unused)) static void ft__file_advise(const void *memory, size_t size, int advice) {
    const uintptr_t page = 4096; /* a larger one makes the call fail, which does no harm */
    const uintptr_t first = ((uintptr_t)memory + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)memory + size) / page * page;
    if (first < end) (void)madvise((void *)first, end - first, advice);
}

FT__PRIV void ft__map_forget(const uint8_t *data, size_t size) {
#ifdef MADV_DONTNEED
    ft__file_advise(data, size, MADV_DONTNEED);
#else
    (void)data, (void)size;
#endif
}

FT__PRIV void ft__want_large_pages(void *memory, size_t size) {
#ifdef MADV_HUGEPAGE
    ft__file_advise(memory, size, MADV_HUGEPAGE);
#else
    (void)memory, (void)size;
#endif
}

static ft_status ft__file_fill(int fd, const char *path, char *data, size_t size, ft_error *err) {
    for (size_t done = 0; done < size;) {
        ssize_t n = read(fd, data + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return ft__file_error(err, path, "cannot read");
        if (n == 0) return ft__fail(err, FT_ERR_IO, path, "the file became shorter while being read");
        done += (size_t)n;
    }
    data[size] = 0;
    return FT_OK;
}

FT__PRIV ft_status ft__read_file(const char *path, const ft_allocator *a, char **data, size_t *size,
                                 ft_error *err) {
    ft_error mine;
    int fd = ft__file_open(path, size, err ? err : (err = &mine));
    if (fd < 0) return err->code;
    *data = (char *)ft__alloc(a, *size + 1);
    ft_status status = *data ? ft__file_fill(fd, path, *data, *size, err) : ft__fail_memory(err);
    close(fd);
    if (status) {
        ft__free(a, *data);
        *data = NULL;
    }
    return status;
}

FT__PRIV ft_status ft__writer_open(ft__writer *w, const char *path, const ft_allocator *a,
                                   ft_error *err) {
    static const char suffix[] = ".partial";
    size_t n = strlen(path);
    memset(w, 0, sizeof *w);
    w->allocator = ft__allocator(a);
    w->fd = -1;
    w->path = (char *)ft__alloc(&w->allocator, n + 1);
    w->temporary = (char *)ft__alloc(&w->allocator, n + sizeof suffix);
    if (!w->path || !w->temporary) {
        ft__writer_abort(w);
        return ft__fail_memory(err);
    }
    memcpy(w->path, path, n + 1);
    memcpy(w->temporary, path, n);
    memcpy(w->temporary + n, suffix, sizeof suffix);
    w->fd = open(w->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (w->fd < 0) {
        ft_status status = ft__file_error(err, path, "cannot create");
        ft__free(&w->allocator, w->temporary); /* it is not ours to remove */
        w->temporary = NULL;
        ft__writer_abort(w);
        return status;
    }
    return FT_OK;
}

static ft_status ft__writer_flush(ft__writer *w, const char *bytes, size_t n, ft_error *err) {
    while (n) {
        ssize_t got = write(w->fd, bytes, n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return ft__file_error(err, w->path, "cannot write");
        bytes += got;
        n -= (size_t)got;
    }
    return FT_OK;
}

FT__PRIV ft_status ft__writer_add(ft__writer *w, const void *bytes, size_t n, ft_error *err) {
    if (w->n_buffered + n <= sizeof w->buffer) {
        if (n) memcpy(w->buffer + w->n_buffered, bytes, n);
        w->n_buffered += n;
        return FT_OK;
    }
    ft_status status = ft__writer_flush(w, w->buffer, w->n_buffered, err);
    w->n_buffered = 0;
    return status ? status : ft__writer_flush(w, (const char *)bytes, n, err);
}

/* A rename is only durable once the folder is synced; a folder that cannot be (some network file
   systems) is no reason to fail. */
static void ft__writer_sync_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    char folder[1024] = ".";
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (n >= sizeof folder) return;
    if (slash) memcpy(folder, path, n), folder[n] = 0;
    int fd = open(folder[0] ? folder : "/", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fsync(fd);
    close(fd);
}

FT__PRIV ft_status ft__writer_commit(ft__writer *w, ft_error *err) {
    ft_status status = ft__writer_flush(w, w->buffer, w->n_buffered, err);
    if (!status && fsync(w->fd) != 0) status = ft__file_error(err, w->path, "cannot sync");
    if (!status) {
        int fd = w->fd;
        w->fd = -1; /* gone even if close fails: another thread may have the number by then */
        if (close(fd) != 0) status = ft__file_error(err, w->path, "cannot close");
    }
    if (!status && rename(w->temporary, w->path) != 0)
        status = ft__file_error(err, w->path, "cannot rename");
    if (!status) {
        ft__writer_sync_folder(w->path);
        ft__free(&w->allocator, w->temporary);
        w->temporary = NULL;
    }
    ft__writer_abort(w); /* frees what is left; removes the temporary file after a failure */
    return status;
}

FT__PRIV void ft__writer_abort(ft__writer *w) {
    if (w->fd >= 0) close(w->fd);
    if (w->temporary) unlink(w->temporary);
    ft__free(&w->allocator, w->temporary);
    ft__free(&w->allocator, w->path);
    w->temporary = w->path = NULL;
    w->fd = -1;
}

FT__PRIV ft_status ft__write_file(const char *path, const void *bytes, size_t n,
                                  const ft_allocator *a, ft_error *err) {
    ft__writer w;
    ft_status status = ft__writer_open(&w, path, a, err);
    if (status) return status;
    status = ft__writer_add(&w, bytes, n, err);
    if (!status) return ft__writer_commit(&w, err);
    ft__writer_abort(&w);
    return status;
}

FT__PRIV ft_status ft__make_dirs(const char *path, const ft_allocator *a, ft_error *err) {
    size_t n = strlen(path);
    int why = 0;
    struct stat st;
    char *copy = (char *)ft__alloc(a, n + 1);
    if (!copy) return ft__fail_memory(err);
    memcpy(copy, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (copy[i] != '/' && copy[i] != 0) continue;
        char kept = copy[i];
        copy[i] = 0;
        /* what matters is that it is there in the end; if not, the first failure tells why */
        if (mkdir(copy, 0777) != 0 && errno != EEXIST && !why) why = errno;
        copy[i] = kept;
    }
    ft__free(a, copy);
    if (stat(path, &st) != 0) {
        if (why) errno = why;
        return ft__file_error(err, path, "cannot create the folder");
    }
    if (!S_ISDIR(st.st_mode)) return ft__fail(err, FT_ERR_IO, path, "is not a folder");
    return FT_OK;
}

FT__PRIV ft_status ft__remove_file(const char *path, ft_error *err) {
    if (unlink(path) == 0 || errno == ENOENT) return FT_OK;
    return ft__file_error(err, path, "cannot remove");
}

FT__PRIV char *ft__path_join(ft__arena *arena, const char *folder, const char *name) {
    size_t n = strlen(folder);
    return ft__arena_printf(arena, "%s%s%s", folder, n && folder[n - 1] != '/' ? "/" : "", name);
}

FT__PRIV char *ft__path_beside(ft__arena *arena, const char *from, const char *path) {
    const char *slash = strrchr(from, '/');
    if (path[0] == '/' || !slash) return ft__arena_text(arena, path, strlen(path));
    return ft__arena_printf(arena, "%.*s/%s", (int)(slash - from), from, path);
}

FT__PRIV double ft__seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
/* ---- end src/base/file.c */
/* ---- begin src/base/thread.c */
/* A pool of threads that share out the parts of one job.  Between jobs a worker spins for some
   microseconds (the next matrix is usually due) and then sleeps: an idle session costs nothing.

   One 64-bit word says everything about the current job: a generation, the number of parts, and the next
   part to take.  A worker that adds 1 and finds a part below the number has a part of exactly the job
   whose function it then reads, however late it comes; there is no barrier beyond "all parts done". */

#include <sched.h>

enum { FT__POOL_MAX = 256, FT__POOL_SPIN = 4000, FT__POOL_PART_BITS = 24 };

struct ft__pool {
    ft_allocator allocator;
    int n_workers;
    pthread_t workers[FT__POOL_MAX];
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    uint64_t state;    /* atomic: generation, n_parts (24 bits), next part (24 bits) */
    uint32_t n_done;   /* atomic: parts of this job that are finished */
    uint32_t sleeping; /* atomic */
    uint32_t quit;     /* atomic */
    void (*fn)(void *user, int part);
    void *user;
};

static void ft__pool_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static bool ft__pool_has_part(uint64_t state) {
    uint64_t mask = (1u << FT__POOL_PART_BITS) - 1;
    return (state & mask) < (state >> FT__POOL_PART_BITS & mask);
}

static void ft__pool_work(ft__pool *pool) {
    while (ft__pool_has_part(__atomic_load_n(&pool->state, __ATOMIC_ACQUIRE))) {
        uint64_t state = __atomic_fetch_add(&pool->state, 1, __ATOMIC_ACQ_REL);
        if (!ft__pool_has_part(state)) return;
        pool->fn(pool->user, (int)(state & ((1u << FT__POOL_PART_BITS) - 1)));
        __atomic_add_fetch(&pool->n_done, 1, __ATOMIC_RELEASE);
    }
}

static void ft__pool_sleep(ft__pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    __atomic_add_fetch(&pool->sleeping, 1, __ATOMIC_SEQ_CST);
    while (!ft__pool_has_part(__atomic_load_n(&pool->state, __ATOMIC_SEQ_CST)) &&
           !__atomic_load_n(&pool->quit, __ATOMIC_SEQ_CST))
        pthread_cond_wait(&pool->wake, &pool->mutex);
    __atomic_sub_fetch(&pool->sleeping, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&pool->mutex);
}

static void *ft__pool_main(void *argument) {
    ft__pool *pool = (ft__pool *)argument;
    while (!__atomic_load_n(&pool->quit, __ATOMIC_SEQ_CST)) {
        int spins = 0;
        while (spins < FT__POOL_SPIN &&
               !ft__pool_has_part(__atomic_load_n(&pool->state, __ATOMIC_ACQUIRE))) {
            ft__pool_pause();
            spins++;
        }
        if (spins == FT__POOL_SPIN) ft__pool_sleep(pool);
        ft__pool_work(pool);
    }
    return NULL;
}

static void ft__pool_wake(ft__pool *pool) {
    if (!__atomic_load_n(&pool->sleeping, __ATOMIC_SEQ_CST)) return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

FT__PRIV ft__pool *ft__pool_create(int n_threads, const ft_allocator *a, ft_error *err) {
    if (n_threads < 1 || n_threads > FT__POOL_MAX) {
        ft__fail(err, FT_ERR_ARGUMENT, "threads", "found %d, expected 1 to %d", n_threads,
                 FT__POOL_MAX);
        return NULL;
    }
    ft__pool *pool = (ft__pool *)ft__alloc_zero(a, 1, sizeof *pool);
    if (!pool) {
        ft__fail_memory(err);
        return NULL;
    }
    pool->allocator = *a;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    while (pool->n_workers < n_threads - 1) {
        if (pthread_create(&pool->workers[pool->n_workers], NULL, ft__pool_main, pool) != 0) {
            ft__fail(err, FT_ERR_THREAD, "threads", "could start %d of %d", pool->n_workers + 1,
                     n_threads);
            ft__pool_free(pool);
            return NULL;
        }
        pool->n_workers++;
    }
    return pool;
}

FT__PRIV void ft__pool_free(ft__pool *pool) {
    if (!pool) return;
    __atomic_store_n(&pool->quit, 1, __ATOMIC_SEQ_CST);
    ft__pool_wake(pool);
    for (int i = 0; i < pool->n_workers; i++) pthread_join(pool->workers[i], NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    ft_allocator a = pool->allocator;
    ft__free(&a, pool);
}

FT__PRIV int ft__pool_size(const ft__pool *pool) { return pool->n_workers + 1; }

FT__PRIV void ft__pool_run(ft__pool *pool, void (*fn)(void *user, int part), void *user,
                           int n_parts) {
    if (n_parts < 2 || pool->n_workers == 0) {
        for (int i = 0; i < n_parts; i++) fn(user, i);
        return;
    }
    uint64_t generation = (__atomic_load_n(&pool->state, __ATOMIC_RELAXED) >> (2 * FT__POOL_PART_BITS)) + 1;
    pool->fn = fn;
    pool->user = user;
    __atomic_store_n(&pool->n_done, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&pool->state,
                     generation << (2 * FT__POOL_PART_BITS) |
                         (uint64_t)(uint32_t)n_parts << FT__POOL_PART_BITS,
                     __ATOMIC_SEQ_CST);
    ft__pool_wake(pool);
    ft__pool_work(pool);
    for (int spins = 0; __atomic_load_n(&pool->n_done, __ATOMIC_ACQUIRE) != (uint32_t)n_parts;) {
        if (++spins < FT__POOL_SPIN) ft__pool_pause();
        else sched_yield(); /* more threads than processors */
    }
}
/* ---- end src/base/thread.c */
/* ---- begin src/base/cpu.c */
/* What this machine can do, and whether the program left its floating point as IEEE 754 has it. */

#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

FT__PRIV const char *ft__isa_name(ft__isa isa) {
    static const char *const names[FT__ISA_COUNT] = {"scalar", "avx2", "avx512", "neon", "dotprod"};
    return names[isa];
}

#if defined(__aarch64__)
static bool ft__isa_has_dotprod(void) {
#if defined(__linux__)
    return getauxval(AT_HWCAP) >> 20 & 1; /* HWCAP_ASIMDDP, which old headers lack */
#elif defined(__APPLE__)
    int has = 0;
    size_t size = sizeof has;
    return sysctlbyname("hw.optional.arm.FEAT_DotProd", &has, &size, NULL, 0) == 0 && has;
#else
    return false;
#endif
}
#endif

static bool ft__isa_present(ft__isa isa) {
#if defined(__x86_64__) || defined(__i386__)
    unsigned a, b, c, d;
    bool f16c = __get_cpuid(1, &a, &b, &c, &d) && (c >> 29 & 1);
    bool avx2 = __builtin_cpu_supports("avx2") && f16c; /* asks the system too */
    if (isa == FT__ISA_AVX2) return avx2;
    if (isa == FT__ISA_AVX512)
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vnni") && sizeof(void *) == 8;
#elif defined(__aarch64__)
    if (isa == FT__ISA_NEON) return true; /* a part of the base */
    if (isa == FT__ISA_DOTPROD) return ft__isa_has_dotprod();
#endif
    return isa == FT__ISA_SCALAR;
}

FT__PRIV ft_status ft__isa_choose(ft__isa *isa, ft_error *err) {
    const char *forced = getenv("FT_ISA");
    for (int i = FT__ISA_COUNT - 1; i >= 0; i--) {
        *isa = (ft__isa)i;
        if (forced && forced[0] && strcmp(forced, ft__isa_name(*isa)) != 0) continue;
        if (ft__isa_present(*isa)) return FT_OK;
        if (forced && forced[0])
            return ft__fail(err, FT_ERR_UNSUPPORTED, "FT_ISA", "this machine has no %s", forced);
    }
    return ft__fail(err, FT_ERR_ARGUMENT, "FT_ISA",
                    "found \"%s\", expected scalar, avx2, avx512, neon or dotprod", forced);
}

FT__PRIV int ft__cpu_count(void) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > 256 ? 256 : (int)n;
}

FT__PRIV ft_status ft__check_float_mode(ft_error *err) {
    volatile float one = 1.0f, a = 1.0f + 1.0f / 4096, tiny = FLT_MIN;
    volatile float half_ulp = 1.0f / 16777216, above_half = 1.5f / 16777216;
    float product_sum = a * a - (1.0f + 1.0f / 2048); /* 0 unless fused: 2^-24 */
    if (one + half_ulp != 1.0f || one + above_half == 1.0f)
        return ft__fail(err, FT_ERR_FLOAT_MODE, NULL, "the program changed the rounding mode");
    if (product_sum != 0)
        return ft__fail(err, FT_ERR_FLOAT_MODE, NULL,
                        "the compiler fuses products and sums: compile with -ffp-contract=off");
    volatile float subnormal = tiny * 0.5f;
    if (subnormal == 0 || subnormal * 4.0f != tiny * 2.0f)
        return ft__fail(err, FT_ERR_FLOAT_MODE, NULL, "the program flushes subnormal numbers to zero");
    return FT_OK;
}
/* ---- end src/base/cpu.c */
/* ---- begin src/io/number.c */
/* Decimal text to double and back, exact both ways and blind to the host's locale.

   Reading: a number of few digits is one exact integer times or divided by one exact power of ten,
   so a single rounding of the processor is the right one (Clinger 1990).  Everything else becomes a
   ratio of two big integers from which the 53 bits are taken one by one; what is left of the ratio
   then decides the rounding, half to even, for normal and subnormal results alike.

   Writing: a double of few digits is found by trial.  Otherwise digits are made until what has been
   written can be no other double (Steele & White 1990, with the exact end of Burger & Dybvig 1996),
   which gives the shortest text, and of those the nearest.  It is laid out as Python's repr does
   it, save that whole numbers have no ".0". */
/* ---- begin src/io/json.h */
/* Floor 1, first half: text formats.  JSON values, numbers exact both ways, JSONL, Unicode tables. */
#ifndef FT__IO_JSON_H
#define FT__IO_JSON_H


/* ---- number: io/number.c.  Exact both ways, independent of the locale. */

/* Text of a JSON number (already checked against its grammar) to the nearest double, half to even.
   False where it overflows to infinity. */
FT__PRIV bool ft__number_parse(const char *text, size_t n, double *value);
/* The shortest text that reads back as the same double ("0.1", "1e+300", "5"); integers below 2^53
   without exponent; NUL-terminated.  Returns the length.  NaN and infinities are the caller's bug. */
FT__PRIV size_t ft__number_write(double value, char out[32]);

/* ---- json: io/json.c */

typedef enum ft__json_type {
    FT__JSON_NULL, FT__JSON_FALSE, FT__JSON_TRUE, FT__JSON_NUMBER, FT__JSON_STRING,
    FT__JSON_ARRAY, FT__JSON_OBJECT
} ft__json_type;

/* A value; lives in the arena it was parsed into.  Strings are UTF-8, may hold NUL bytes inside and
   always have one after their end.  Children are linked in the order of the text. */
typedef struct ft__json ft__json;
struct ft__json {
    ft__json_type type;
    uint32_t line;        /* 1-based, where the value begins; 0 if made by hand */
    const char *key;      /* in an object, else NULL */
    size_t key_len;
    double number;
    const char *text;     /* of a string; of a number: its digits as written */
    size_t text_len;
    size_t count;         /* children */
    ft__json *child, *next;
};

#define FT__JSON_MAX_DEPTH 512

/* Strict RFC 8259: UTF-8 checked, no BOM, no duplicate keys check (the last one is found first, as
   most parsers do), nothing after the value.  On failure err->where is "name:line" and the message ends
   with the column.  `first_line` is the number of the text's first line (1 for a whole file). */
FT__PRIV ft_status ft__json_parse(const char *text, size_t n, const char *name, uint32_t first_line,
                                  ft__arena *arena, ft__json **value, ft_error *err);
/* The member called `key` (the last if repeated), or NULL; also NULL if `object` is no object. */
FT__PRIV ft__json *ft__json_get(const ft__json *object, const char *key);
/* A member by path "tags.lang" (keys joined by dots; a key that itself holds the dots wins). */
FT__PRIV ft__json *ft__json_path(const ft__json *object, const char *path);
FT__PRIV const char *ft__json_type_name(ft__json_type type); /* "number" */
FT__PRIV bool ft__json_is_integer(const ft__json *value, double lowest, double highest);
/* Equality in JSON's sense: numbers by value, objects without order, arrays with. */
FT__PRIV bool ft__json_equal(const ft__json *a, const ft__json *b);
/* True if the text is one valid JSON value (the parse, without keeping anything). */
FT__PRIV ft_status ft__json_valid(const char *text, size_t n, const ft_allocator *a, bool *valid);

/* Writing: commas and indentation are the writer's business, the calls' order is the caller's.
   indent 0 = one line without blanks.  Non-ASCII text is written as it is; invalid UTF-8 bytes become
   U+FFFD.  Numbers must be finite. */
typedef struct ft__json_writer {
    ft__buf *out;
    int indent, depth;
    bool need_comma, after_key;
} ft__json_writer;
FT__PRIV void ft__json_writer_init(ft__json_writer *w, ft__buf *out, int indent);
FT__PRIV void ft__json_begin(ft__json_writer *w, char bracket); /* '{' or '[' */
FT__PRIV void ft__json_end(ft__json_writer *w, char bracket);   /* '}' or ']' */
FT__PRIV void ft__json_key(ft__json_writer *w, const char *key);
FT__PRIV void ft__json_string(ft__json_writer *w, const char *text, size_t n);
FT__PRIV void ft__json_text(ft__json_writer *w, const char *text); /* NUL-terminated */
FT__PRIV void ft__json_number(ft__json_writer *w, double value);
FT__PRIV void ft__json_bool(ft__json_writer *w, bool value);
FT__PRIV void ft__json_null(ft__json_writer *w);
FT__PRIV void ft__json_value(ft__json_writer *w, const ft__json *value); /* a parsed value, keys in order */

/* ---- jsonl: io/jsonl.c */

/* Walks the lines of a JSONL text.  Blank lines are skipped, CRLF is fine, a UTF-8 BOM at the very start
   is skipped.  Each line's value goes to a fresh place in the caller's arena. */
typedef struct ft__jsonl {
    const char *text, *end, *name;
    uint32_t line;  /* of the value last read */
    const char *line_text; /* its bytes, without the line end */
    size_t line_len;
} ft__jsonl;
FT__PRIV void ft__jsonl_init(ft__jsonl *reader, const char *text, size_t n, const char *name);
/* FT_OK with *value NULL at the end. */
FT__PRIV ft_status ft__jsonl_next(ft__jsonl *reader, ft__arena *arena, ft__json **value,
                                  ft_error *err);

/* ---- unicode: io/unicode.c (tables made by src/tools/make_unicode.c from UnicodeData) */

/* One class per character: general categories, with white space apart from other controls. */
typedef enum ft__char_class {
    FT__UNICODE_LU, FT__UNICODE_LT, FT__UNICODE_LL, FT__UNICODE_LM, FT__UNICODE_LO,
    FT__UNICODE_M,
    FT__UNICODE_ND, FT__UNICODE_NO, /* decimal digits; Nl and No */
    FT__UNICODE_P, FT__UNICODE_S,
    FT__UNICODE_Z,             /* separators; all of them are White_Space */
    FT__UNICODE_CONTROL_SPACE, /* controls that are White_Space: tab, line ends, U+0085 */
    FT__UNICODE_C              /* other controls, format, private, unassigned, beyond U+10FFFF */
} ft__char_class;
#define FT__CLASS_BIT(char_class) (1u << (char_class))
#define FT__CLASS_L     0x1Fu
#define FT__CLASS_N     0xC0u
#define FT__CLASS_SPACE 0xC00u /* White_Space */
FT__PRIV ft__char_class ft__char_class_of(uint32_t c);

FT__PRIV bool ft__is_space(uint32_t c);  /* Python's str.isspace: White_Space and U+001C..001F */
FT__PRIV bool ft__is_word(uint32_t c);   /* Python's regex \w: letters, numbers, '_'; no marks */
FT__PRIV uint32_t ft__lower_char(uint32_t c); /* one character for one */
FT__PRIV uint32_t ft__upper_char(uint32_t c); /* the first character whose lower case is c, or c */
/* Full lower-casing as Python's str.lower(), with U+0130 to two code points and the final sigma.
   Invalid bytes stay as they are. */
FT__PRIV void ft__lower(const char *text, size_t n, ft__buf *out);

#endif /* FT__IO_JSON_H */
/* ---- end src/io/json.h */

/* Big natural numbers, 32 bits a word, lowest first, no leading zero words.  The largest are met
   when reading: 801 digits (2661 bits) or 5^1131 (2627 bits), and one bit more. */
enum { FT__NUMBER_WORDS = 88, FT__NUMBER_DIGITS = 800 };

typedef struct ft__number_big {
    uint32_t word[FT__NUMBER_WORDS];
    int n;
} ft__number_big;

/* 10^22 is the last power of ten that is a double. */
static const double ft__number_tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                         1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                         1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static void ft__number_set(ft__number_big *b, uint64_t value) {
    b->word[0] = (uint32_t)value;
    b->word[1] = (uint32_t)(value >> 32);
    b->n = b->word[1] ? 2 : b->word[0] ? 1 : 0;
}

/* b = b * factor + addend */
static void ft__number_multiply(ft__number_big *b, uint32_t factor, uint32_t addend) {
    uint64_t carry = addend;
    for (int i = 0; i < b->n; i++) {
        carry += (uint64_t)b->word[i] * factor;
        b->word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry) b->word[b->n++] = (uint32_t)carry;
}

static void ft__number_times_pow5(ft__number_big *b, int power) {
    static const uint32_t fives[] = {1,     5,      25,      125,     625,      3125,     15625,
                                     78125, 390625, 1953125, 9765625, 48828125, 244140625};
    for (; power >= 13; power -= 13) ft__number_multiply(b, 1220703125, 0);
    ft__number_multiply(b, fives[power], 0);
}

static void ft__number_shift(ft__number_big *b, int bits) {
    int words = bits / 32, rest = bits % 32;
    if (b->n == 0 || bits == 0) return;
    uint32_t top = rest ? b->word[b->n - 1] >> (32 - rest) : 0;
    for (int i = b->n - 1; i >= 0; i--) {
        uint32_t low = rest && i > 0 ? b->word[i - 1] >> (32 - rest) : 0;
        b->word[i + words] = b->word[i] << rest | low;
    }
    for (int i = 0; i < words; i++) b->word[i] = 0;
    b->n += words;
    if (top) b->word[b->n++] = top;
}

static int ft__number_compare(const ft__number_big *a, const ft__number_big *b) {
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    for (int i = a->n - 1; i >= 0; i--)
        if (a->word[i] != b->word[i]) return a->word[i] < b->word[i] ? -1 : 1;
    return 0;
}

/* a -= b, where a >= b */
static void ft__number_subtract(ft__number_big *a, const ft__number_big *b) {
    uint64_t borrow = 0;
    for (int i = 0; i < a->n; i++) {
        uint64_t difference = (uint64_t)a->word[i] - (i < b->n ? b->word[i] : 0) - borrow;
        a->word[i] = (uint32_t)difference;
        borrow = difference >> 63;
    }
    while (a->n > 0 && a->word[a->n - 1] == 0) a->n--;
}

/* a + b against c */
static int ft__number_compare_sum(const ft__number_big *a, const ft__number_big *b,
                                  const ft__number_big *c) {
    ft__number_big sum;
    uint64_t carry = 0;
    sum.n = a->n > b->n ? a->n : b->n;
    for (int i = 0; i < sum.n; i++) {
        carry += (uint64_t)(i < a->n ? a->word[i] : 0) + (i < b->n ? b->word[i] : 0);
        sum.word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry) sum.word[sum.n++] = (uint32_t)carry;
    return ft__number_compare(&sum, c);
}

static int ft__number_bit_length(const ft__number_big *b) {
    return b->n ? 32 * b->n - __builtin_clz(b->word[b->n - 1]) : 0;
}

/* ---- reading */

/* What a text says: `count` significant digits from `first` on (points in between), the last of
   them worth 10^exponent.  `head` is the value of the first 19. */
typedef struct ft__number_decimal {
    const char *first;
    size_t count;
    uint64_t head;
    int64_t exponent;
    bool negative;
} ft__number_decimal;

static bool ft__number_is_digit(char c) { return c >= '0' && c <= '9'; }

static ft__number_decimal ft__number_scan(const char *text, size_t n) {
    ft__number_decimal d = {NULL, 0, 0, 0, false};
    const char *p = text, *end = text + n;
    bool after_point = false, negative_exponent = false;
    int64_t exponent = 0;
    if (p < end && *p == '-') d.negative = true, p++;
    for (; p < end && (*p == '.' || ft__number_is_digit(*p)); p++) {
        if (*p == '.') {
            after_point = true;
            continue;
        }
        if (after_point) d.exponent--;
        if (d.count == 0 && *p == '0') continue;
        if (d.count == 0) d.first = p;
        if (d.count++ < 19) d.head = d.head * 10 + (uint64_t)(*p - '0');
    }
    if (p < end) p++; /* the e */
    if (p < end && (*p == '-' || *p == '+')) negative_exponent = *p++ == '-';
    for (; p < end; p++) /* the bound is far above any text's length, so it outweighs all digits */
        if (exponent < 100000000000000000) exponent = exponent * 10 + (*p - '0');
    d.exponent += negative_exponent ? -exponent : exponent;
    return d;
}

/* The digits as a big number; returns how many places it has.  No double and no midpoint between
   two has more than 767 digits, so beyond 800 only matters whether anything but zeros follows. */
static int ft__number_take_digits(const ft__number_decimal *d, ft__number_big *b) {
    const char *p = d->first;
    int taken = d->count < 19 ? (int)d->count : 19;
    ft__number_set(b, d->head);
    for (size_t i = 0; i < d->count; p++) {
        if (*p == '.' || i++ < 19) continue;
        if (taken < FT__NUMBER_DIGITS) {
            ft__number_multiply(b, 10, (uint32_t)(*p - '0'));
            taken++;
        } else if (*p != '0') {
            ft__number_multiply(b, 10, 1);
            return taken + 1;
        }
    }
    return taken;
}

/* The double nearest to (n / d) * 2^exponent, as bits. */
static uint64_t ft__number_round(ft__number_big *n, ft__number_big *d, int exponent) {
    int shift = ft__number_bit_length(n) - ft__number_bit_length(d);
    if (shift < 0)
        ft__number_shift(n, -shift);
    else
        ft__number_shift(d, shift);
    exponent += shift;
    if (ft__number_compare(n, d) < 0) {
        ft__number_shift(n, 1);
        exponent--;
    }
    /* now 1 <= n/d < 2; a subnormal has fewer bits, down to none just below the smallest */
    int n_bits = exponent >= -1022 ? 53 : exponent + 1075;
    if (exponent > 1023) return (uint64_t)0x7FF << 52;
    if (n_bits < 0) return 0;
    uint64_t bits = 0;
    for (int i = 0; i < n_bits; i++) {
        bool one = ft__number_compare(n, d) >= 0;
        if (one) ft__number_subtract(n, d);
        ft__number_shift(n, 1);
        bits = bits << 1 | one;
    }
    int rest = ft__number_compare(n, d); /* against one half */
    if (rest > 0 || (rest == 0 && (bits & 1))) bits++;
    /* a carry runs into the exponent, which is what it should do */
    if (exponent >= -1022) bits += ((uint64_t)(exponent + 1023) << 52) - ((uint64_t)1 << 52);
    return bits;
}

FT__PRIV bool ft__number_parse(const char *text, size_t n, double *value) {
    ft__number_decimal d = ft__number_scan(text, n);
    double magnitude = 0;
    int64_t point = d.exponent + (int64_t)d.count; /* below 10^point, at least 10^(point - 1) */
    if (d.count <= 19 && d.head <= (uint64_t)1 << 53 && d.exponent >= -22 && d.exponent <= 22) {
        magnitude = (double)d.head;
        if (d.exponent < 0)
            magnitude /= ft__number_tens[-d.exponent];
        else
            magnitude *= ft__number_tens[d.exponent];
    } else if (d.count > 0 && point > 310) {
        return false;
    } else if (d.count > 0 && point >= -330) {
        ft__number_big over, under;
        int exponent = (int)point - ft__number_take_digits(&d, &over);
        ft__number_set(&under, 1);
        ft__number_times_pow5(exponent < 0 ? &under : &over, exponent < 0 ? -exponent : exponent);
        uint64_t bits = ft__number_round(&over, &under, exponent);
        if (bits >> 52 == 0x7FF) return false;
        memcpy(&magnitude, &bits, sizeof magnitude);
    }
    *value = d.negative ? -magnitude : magnitude;
    return true;
}

/* ---- writing */

/* digits[0..n) mean 0.DIGITS times 10^point; never a zero at the end, except for 0 itself. */
typedef struct ft__number_digits {
    char digit[20];
    int n, point;
} ft__number_digits;

/* At most 15 digits: two such decimals are never the same double, so the first that reads back is
   the only one.  The rounding error of the product stays below a quarter. */
static bool ft__number_short(double magnitude, ft__number_digits *out) {
    for (int decimals = 0; decimals < (int)FT__COUNT(ft__number_tens); decimals++) {
        double scaled = magnitude * ft__number_tens[decimals];
        if (!(scaled < 1e15)) return false;
        uint64_t whole = (uint64_t)(scaled + 0.5);
        if ((double)whole / ft__number_tens[decimals] != magnitude) continue;
        out->n = snprintf(out->digit, sizeof out->digit, "%llu", (unsigned long long)whole);
        out->point = out->n - decimals;
        return true;
    }
    return false;
}

/* floor(log10(2^exponent)), or one less */
static int ft__number_log10(int exponent) {
    return exponent >= 0 ? exponent * 1233 / 4096 : -((-exponent * 1234 + 4095) / 4096);
}

static void ft__number_shortest(uint64_t bits, ft__number_digits *out) {
    /* the value is rest/unit; below and above are half the gaps to its neighbours */
    ft__number_big rest, unit, below, above;
    uint64_t fraction = bits & (((uint64_t)1 << 52) - 1);
    int biased = (int)(bits >> 52 & 0x7FF);
    int exponent = biased ? biased - 1075 : -1074;
    uint64_t mantissa = biased ? fraction | (uint64_t)1 << 52 : fraction;
    bool near_below = fraction == 0 && biased > 1; /* below a power of two the gap is half */
    bool even = !(mantissa & 1);                   /* then a tie with a neighbour is read as it */
    int top = 63 - __builtin_clzll(mantissa) + exponent;
    int point = ft__number_log10(top) + 1;

    /* all times four, so that the quarter gap is whole, and divided by 10^point: its fives go to
       one side of the ratio, its twos join the binary exponent */
    ft__number_set(&rest, mantissa * 4);
    ft__number_set(&unit, 4);
    ft__number_set(&below, near_below ? 1 : 2);
    ft__number_set(&above, 2);
    ft__number_big *scaled[] = {&rest, &below, &above};
    int shift = exponent - point;
    for (int i = 0; i < 3; i++) {
        if (point < 0) ft__number_times_pow5(scaled[i], -point);
        if (shift > 0) ft__number_shift(scaled[i], shift);
    }
    if (point > 0) ft__number_times_pow5(&unit, point);
    if (shift < 0) ft__number_shift(&unit, -shift);
    if (ft__number_compare_sum(&rest, &above, &unit) > (even ? -1 : 0)) {
        ft__number_multiply(&unit, 10, 0);
        point++;
    }

    bool low = false, high = false;
    for (out->n = 0; !low && !high; out->n++) {
        for (int i = 0; i < 3; i++) ft__number_multiply(scaled[i], 10, 0);
        int digit = 0;
        for (; ft__number_compare(&rest, &unit) >= 0; digit++) ft__number_subtract(&rest, &unit);
        low = ft__number_compare(&rest, &below) < (even ? 1 : 0);
        high = ft__number_compare_sum(&rest, &above, &unit) > (even ? -1 : 0);
        int half = ft__number_compare_sum(&rest, &rest, &unit);
        if (high && (!low || half > 0 || (half == 0 && (digit & 1)))) digit++;
        out->digit[out->n] = (char)('0' + digit);
    }
    out->point = point;
}

static char *ft__number_put(char *p, const char *bytes, int n) {
    memcpy(p, bytes, (size_t)n);
    return p + n;
}

static char *ft__number_zeros(char *p, int n) {
    for (; n > 0; n--) *p++ = '0';
    return p;
}

FT__PRIV size_t ft__number_write(double value, char out[32]) {
    ft__number_digits d;
    uint64_t bits;
    char *p = out;
    memcpy(&bits, &value, sizeof bits);
    if (bits >> 63) *p++ = '-';
    if (!ft__number_short(bits >> 63 ? -value : value, &d)) ft__number_shortest(bits, &d);
    if (d.point < -3 || d.point > 16) {
        *p++ = d.digit[0];
        if (d.n > 1) *p++ = '.';
        p = ft__number_put(p, d.digit + 1, d.n - 1);
        int exponent = d.point - 1;
        p += snprintf(p, 6, "e%c%02d", exponent < 0 ? '-' : '+',
                      exponent < 0 ? -exponent : exponent);
    } else if (d.point <= 0) {
        p = ft__number_zeros(ft__number_put(p, "0.", 2), -d.point);
        p = ft__number_put(p, d.digit, d.n);
    } else if (d.n <= d.point) {
        p = ft__number_zeros(ft__number_put(p, d.digit, d.n), d.point - d.n);
    } else {
        p = ft__number_put(p, d.digit, d.point);
        *p++ = '.';
        p = ft__number_put(p, d.digit + d.point, d.n - d.point);
    }
    *p = 0;
    return (size_t)(p - out);
}
/* ---- end src/io/number.c */
/* ---- begin src/io/json.c */
/* JSON: a strict parser (RFC 8259), questions to its values, and a writer.

   The parser walks the text once.  A string is first checked up to its closing quote, which tells
   how much room it needs, then copied in one go, or decoded if it holds escapes.  Values are nodes
   in the caller's arena, a scalar's text right behind its node; children are appended at the list's
   end, so that an object of a million members costs no more per member than one of three.  Only
   containers recurse, and FT__JSON_MAX_DEPTH bounds them. */

typedef struct ft__json_parser {
    const char *p, *end, *line_start;
    const char *name;
    uint32_t line;
    int depth;
    ft__arena *arena;
    ft_error *err;
} ft__json_parser;

static ft_status ft__json_read_value(ft__json_parser *r, ft__json **value);

/* ---- errors */

static ft_status ft__json_fail(ft__json_parser *r, ft_status code, const char *message) {
    char where[sizeof r->err->where];
    size_t column = 1;
    for (const char *p = r->line_start; p < r->p; p++)
        if ((*p & 0xC0) != 0x80) column++; /* in characters */
    if (r->name && *r->name)
        snprintf(where, sizeof where, "%.360s:%lu", r->name, (unsigned long)r->line);
    else
        snprintf(where, sizeof where, "line %lu", (unsigned long)r->line);
    return ft__fail(r->err, code, where, "%s at column %zu", message, column);
}

/* Printable ASCII as it is; anything else by its number, so that a message is always clean text. */
static ft_status ft__json_expected(ft__json_parser *r, const char *expected) {
    char message[160];
    const char *p = r->p;
    if (p == r->end) {
        snprintf(message, sizeof message, "expected %s, found the end of the text", expected);
        return ft__json_fail(r, FT_ERR_FORMAT, message);
    }
    unsigned byte = (unsigned char)*p;
    uint32_t c = ft__utf8_next(&p, r->end);
    if (c > 0x20 && c < 0x7F)
        snprintf(message, sizeof message, "expected %s, found '%c'", expected, (char)c);
    else if (c == FT__BAD_UTF8)
        snprintf(message, sizeof message, "expected %s, found the byte 0x%02X", expected, byte);
    else
        snprintf(message, sizeof message, "expected %s, found U+%04lX", expected, (unsigned long)c);
    return ft__json_fail(r, FT_ERR_FORMAT, message);
}

/* ---- parsing */

static void ft__json_skip_blanks(ft__json_parser *r) {
    for (; r->p < r->end; r->p++) {
        if (*r->p == '\n') {
            r->line++;
            r->line_start = r->p + 1;
        } else if (*r->p != ' ' && *r->p != '\t' && *r->p != '\r') {
            return;
        }
    }
}

static bool ft__json_at(const ft__json_parser *r, char c) { return r->p < r->end && *r->p == c; }

/* A node with n bytes of text behind it (n 0: none). */
static ft__json *ft__json_new(ft__json_parser *r, ft__json_type type, size_t n) {
    size_t size;
    if (!ft__add_size(sizeof(ft__json), n, &size)) return NULL;
    ft__json *v = (ft__json *)ft__arena_alloc(r->arena, 1, size);
    if (!v) return NULL;
    v->type = type;
    v->line = r->line;
    if (n) v->text = (const char *)(v + 1);
    return v;
}

static bool ft__json_hex4(const char *p, const char *end, uint32_t *value) {
    if (end - p < 4) return false;
    *value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i], letter = (char)(c | 0x20);
        bool digit = c >= '0' && c <= '9';
        if (!digit && (letter < 'a' || letter > 'f')) return false;
        *value = *value << 4 | (uint32_t)(digit ? c - '0' : letter - 'a' + 10);
    }
    return true;
}

/* The letters of the short escapes and, in the same order, what they mean. */
static const char ft__json_escapes[] = "\"\\/bfnrt";
static const char ft__json_escaped[] = "\"\\/\b\f\n\r\t";

/* From a backslash past the whole escape; a pair of surrogates is one.  Half a pair is no text. */
static ft_status ft__json_check_escape(ft__json_parser *r) {
    uint32_t unit, low;
    const char *start = r->p++;
    if (r->p == r->end || *r->p == 0 || !strchr("\"\\/bfnrtu", *r->p))
        return ft__json_expected(r, "one of \"\\/bfnrtu after the backslash");
    if (*r->p++ != 'u') return FT_OK;
    if (!ft__json_hex4(r->p, r->end, &unit))
        return ft__json_expected(r, "four hexadecimal digits after \\u");
    r->p += 4;
    if (unit < 0xD800 || unit > 0xDFFF) return FT_OK;
    if (unit >= 0xDC00 || r->end - r->p < 6 || r->p[0] != '\\' || r->p[1] != 'u' ||
        !ft__json_hex4(r->p + 2, r->end, &low) || low < 0xDC00 || low > 0xDFFF) {
        r->p = start;
        return ft__json_fail(r, FT_ERR_FORMAT, "\\u escape of half a surrogate pair");
    }
    r->p += 6;
    return FT_OK;
}

/* From the opening quote past the closing one; what is between them is valid and *n bytes long. */
static ft_status ft__json_check_string(ft__json_parser *r, const char **start, size_t *n,
                                       bool *has_escapes) {
    ft_status status = FT_OK;
    *start = ++r->p;
    *has_escapes = false;
    while (status == FT_OK) {
        while (r->p < r->end && (unsigned char)*r->p >= 0x20 && (unsigned char)*r->p < 0x80 &&
               *r->p != '"' && *r->p != '\\')
            r->p++;
        if (r->p == r->end) return ft__json_expected(r, "'\"' at the end of the string");
        if (*r->p == '"') break;
        const char *next = r->p;
        if (*r->p == '\\') {
            *has_escapes = true;
            status = ft__json_check_escape(r);
        } else if ((unsigned char)*r->p < 0x20) {
            status = ft__json_expected(r, "an escape for a control character");
        } else if (ft__utf8_next(&next, r->end) == FT__BAD_UTF8) {
            status = ft__json_expected(r, "valid UTF-8");
        } else {
            r->p = next;
        }
    }
    *n = (size_t)(r->p++ - *start);
    return status;
}

/* Decodes a checked string; the result is never longer. */
static size_t ft__json_unescape(const char *text, size_t n, char *out) {
    const char *p = text, *end = text + n;
    char *to = out;
    while (p < end) {
        uint32_t c = 0, low = 0;
        if (*p != '\\') {
            *to++ = *p++;
        } else if (p[1] != 'u') {
            *to++ = ft__json_escaped[strchr(ft__json_escapes, p[1]) - ft__json_escapes];
            p += 2;
        } else {
            ft__json_hex4(p + 2, end, &c);
            p += 6;
            if (c >= 0xD800 && c <= 0xDFFF) {
                ft__json_hex4(p + 2, end, &low);
                c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
                p += 6;
            }
            to += ft__utf8_encode(c, to);
        }
    }
    return (size_t)(to - out);
}

static size_t ft__json_copy(const char *text, size_t n, bool has_escapes, char *out) {
    if (has_escapes) return ft__json_unescape(text, n, out);
    memcpy(out, text, n);
    return n;
}

static ft_status ft__json_read_string(ft__json_parser *r, ft__json **value) {
    const char *start;
    size_t n;
    bool has_escapes;
    ft_status status = ft__json_check_string(r, &start, &n, &has_escapes);
    if (status != FT_OK) return status;
    ft__json *v = ft__json_new(r, FT__JSON_STRING, n + 1);
    if (!v) return ft__fail_memory(r->err);
    v->text_len = ft__json_copy(start, n, has_escapes, (char *)(v + 1));
    *value = v;
    return FT_OK;
}

/* A key and its colon. */
static ft_status ft__json_read_key(ft__json_parser *r, const char **key, size_t *key_len) {
    const char *start;
    size_t n;
    bool has_escapes;
    ft__json_skip_blanks(r);
    if (!ft__json_at(r, '"')) return ft__json_expected(r, "a key in double quotes");
    ft_status status = ft__json_check_string(r, &start, &n, &has_escapes);
    if (status != FT_OK) return status;
    char *copy = (char *)ft__arena_alloc(r->arena, n + 1, 1);
    if (!copy) return ft__fail_memory(r->err);
    *key_len = ft__json_copy(start, n, has_escapes, copy);
    *key = copy;
    ft__json_skip_blanks(r);
    if (!ft__json_at(r, ':')) return ft__json_expected(r, "':' after the key");
    r->p++;
    return FT_OK;
}

static bool ft__json_skip_digits(ft__json_parser *r) {
    const char *start = r->p;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9') r->p++;
    return r->p > start;
}

static ft_status ft__json_read_number(ft__json_parser *r, ft__json **value) {
    const char *start = r->p;
    bool ok = true;
    if (*r->p == '-') r->p++;
    if (ft__json_at(r, '0'))
        r->p++; /* no digit may follow a leading zero */
    else
        ok = ft__json_skip_digits(r);
    if (ok && ft__json_at(r, '.')) {
        r->p++;
        ok = ft__json_skip_digits(r);
    }
    if (ok && (ft__json_at(r, 'e') || ft__json_at(r, 'E'))) {
        r->p++;
        if (ft__json_at(r, '+') || ft__json_at(r, '-')) r->p++;
        ok = ft__json_skip_digits(r);
    }
    if (!ok) return ft__json_expected(r, "a digit");

    size_t n = (size_t)(r->p - start);
    ft__json *v = ft__json_new(r, FT__JSON_NUMBER, n + 1);
    if (!v) return ft__fail_memory(r->err);
    memcpy((char *)(v + 1), start, n);
    v->text_len = n;
    if (!ft__number_parse(start, n, &v->number)) {
        r->p = start;
        return ft__json_fail(r, FT_ERR_FORMAT, "number too large for a double");
    }
    *value = v;
    return FT_OK;
}

static ft_status ft__json_read_word(ft__json_parser *r, ft__json_type type, const char *word,
                                    ft__json **value) {
    size_t n = strlen(word);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
        return ft__json_expected(r, "a value");
    r->p += n;
    *value = ft__json_new(r, type, 0);
    return *value ? FT_OK : ft__fail_memory(r->err);
}

/* An array or an object. */
static ft_status ft__json_read_container(ft__json_parser *r, ft__json_type type, ft__json **value) {
    bool is_object = type == FT__JSON_OBJECT;
    char close = is_object ? '}' : ']';
    ft_status status = FT_OK;
    ft__json *v = ft__json_new(r, type, 0);
    if (!v) return ft__fail_memory(r->err);
    if (r->depth == FT__JSON_MAX_DEPTH)
        return ft__json_fail(r, FT_ERR_LIMIT, "arrays and objects nested too deeply");
    r->depth++;
    r->p++;
    *value = v;
    ft__json_skip_blanks(r);
    for (ft__json **tail = &v->child; v->count > 0 || !ft__json_at(r, close);) {
        const char *key = NULL;
        size_t key_len = 0;
        if (is_object) status = ft__json_read_key(r, &key, &key_len);
        if (status == FT_OK) status = ft__json_read_value(r, tail);
        if (status != FT_OK) return status;
        (*tail)->key = key;
        (*tail)->key_len = key_len;
        tail = &(*tail)->next;
        v->count++;
        ft__json_skip_blanks(r);
        if (ft__json_at(r, close)) break;
        if (!ft__json_at(r, ','))
            return ft__json_expected(r, is_object ? "',' or '}'" : "',' or ']'");
        r->p++;
    }
    r->p++;
    r->depth--;
    return FT_OK;
}

static ft_status ft__json_read_value(ft__json_parser *r, ft__json **value) {
    ft__json_skip_blanks(r);
    if (r->p == r->end) return ft__json_expected(r, "a value");
    switch (*r->p) {
    case '{': return ft__json_read_container(r, FT__JSON_OBJECT, value);
    case '[': return ft__json_read_container(r, FT__JSON_ARRAY, value);
    case '"': return ft__json_read_string(r, value);
    case 't': return ft__json_read_word(r, FT__JSON_TRUE, "true", value);
    case 'f': return ft__json_read_word(r, FT__JSON_FALSE, "false", value);
    case 'n': return ft__json_read_word(r, FT__JSON_NULL, "null", value);
    default: break;
    }
    if (*r->p == '-' || (*r->p >= '0' && *r->p <= '9')) return ft__json_read_number(r, value);
    return ft__json_expected(r, "a value");
}

FT__PRIV ft_status ft__json_parse(const char *text, size_t n, const char *name, uint32_t first_line,
                                  ft__arena *arena, ft__json **value, ft_error *err) {
    const char *start = n ? text : "";
    ft__json_parser r = {start, start + n, start, name, first_line, 0, arena, err};
    ft__json *v = NULL;
    *value = NULL;
    ft_status status = ft__json_read_value(&r, &v);
    if (status != FT_OK) return status;
    ft__json_skip_blanks(&r);
    if (r.p < r.end) return ft__json_expected(&r, "nothing more after the value");
    *value = v;
    return FT_OK;
}

FT__PRIV ft_status ft__json_valid(const char *text, size_t n, const ft_allocator *a, bool *valid) {
    ft__arena arena;
    ft__json *value;
    ft__arena_init(&arena, a);
    ft_status status = ft__json_parse(text, n, NULL, 1, &arena, &value, NULL);
    ft__arena_free(&arena);
    *valid = status == FT_OK;
    return status == FT_ERR_MEMORY ? status : FT_OK;
}

/* ---- questions */

static ft__json *ft__json_member(const ft__json *object, const char *key, size_t n) {
    ft__json *found = NULL;
    if (!object || object->type != FT__JSON_OBJECT) return NULL;
    for (ft__json *m = object->child; m; m = m->next)
        if (ft__text_equal(m->key, m->key_len, key, n)) found = m;
    return found;
}

FT__PRIV ft__json *ft__json_get(const ft__json *object, const char *key) {
    return ft__json_member(object, key, strlen(key));
}

/* Longest first key first.  Each step goes into a child, so the nesting bounds the recursion, and a
   value is reached by one way only, so nothing is searched twice. */
FT__PRIV ft__json *ft__json_path(const ft__json *object, const char *path) {
    size_t n = strlen(path);
    ft__json *found = ft__json_member(object, path, n);
    while (!found && n-- > 0) {
        if (path[n] != '.') continue;
        ft__json *first = ft__json_member(object, path, n);
        if (first) found = ft__json_path(first, path + n + 1);
    }
    return found;
}

FT__PRIV const char *ft__json_type_name(ft__json_type type) {
    static const char *const names[] = {"null",   "boolean", "boolean", "number",
                                        "string", "array",   "object"};
    return names[type];
}

FT__PRIV bool ft__json_is_integer(const ft__json *value, double lowest, double highest) {
    return value && value->type == FT__JSON_NUMBER && value->number >= lowest &&
           value->number <= highest && ft__floor(value->number) == value->number;
}

/* Of a repeated key only the last member counts. */
static bool ft__json_equal_objects(const ft__json *a, const ft__json *b) {
    for (const ft__json *m = a->child; m; m = m->next) {
        const ft__json *other = ft__json_member(b, m->key, m->key_len);
        if (!other) return false;
        if (ft__json_member(a, m->key, m->key_len) == m && !ft__json_equal(m, other)) return false;
    }
    for (const ft__json *m = b->child; m; m = m->next)
        if (!ft__json_member(a, m->key, m->key_len)) return false;
    return true;
}

FT__PRIV bool ft__json_equal(const ft__json *a, const ft__json *b) {
    if (a->type != b->type) return false;
    switch (a->type) {
    case FT__JSON_NUMBER: return a->number == b->number;
    case FT__JSON_STRING: return ft__text_equal(a->text, a->text_len, b->text, b->text_len);
    case FT__JSON_OBJECT: return ft__json_equal_objects(a, b);
    case FT__JSON_ARRAY: break;
    default: return true;
    }
    if (a->count != b->count) return false;
    const ft__json *y = b->child;
    for (const ft__json *x = a->child; x; x = x->next, y = y->next)
        if (!ft__json_equal(x, y)) return false;
    return true;
}

/* ---- writing */

FT__PRIV void ft__json_writer_init(ft__json_writer *w, ft__buf *out, int indent) {
    memset(w, 0, sizeof *w);
    w->out = out;
    w->indent = indent;
}

static void ft__json_new_line(ft__json_writer *w) {
    if (w->indent <= 0) return;
    ft__buf_byte(w->out, '\n');
    for (int i = 0; i < w->indent * w->depth; i++) ft__buf_byte(w->out, ' ');
}

/* What stands before a key or a value. */
static void ft__json_separate(ft__json_writer *w) {
    if (!w->after_key) {
        if (w->need_comma) ft__buf_byte(w->out, ',');
        if (w->depth > 0) ft__json_new_line(w);
    }
    w->after_key = false;
    w->need_comma = true;
}

FT__PRIV void ft__json_begin(ft__json_writer *w, char bracket) {
    ft__json_separate(w);
    ft__buf_byte(w->out, bracket);
    w->depth++;
    w->need_comma = false;
}

FT__PRIV void ft__json_end(ft__json_writer *w, char bracket) {
    w->depth--;
    if (w->need_comma) ft__json_new_line(w); /* something is inside */
    ft__buf_byte(w->out, bracket);
    w->need_comma = true;
}

static void ft__json_escape(ft__buf *out, unsigned char c) {
    const char *known = c ? strchr(ft__json_escaped, c) : NULL;
    if (known) {
        ft__buf_byte(out, '\\');
        ft__buf_byte(out, ft__json_escapes[known - ft__json_escaped]);
    } else {
        ft__buf_printf(out, "\\u%04x", (unsigned)c);
    }
}

/* Runs of bytes that may stay as they are go out in one piece. */
static void ft__json_quote(ft__buf *out, const char *text, size_t n) {
    const char *run = text, *p = text, *end = text + n;
    ft__buf_byte(out, '"');
    while (p < end) {
        const char *at = p;
        uint32_t c = ft__utf8_next(&p, end);
        if (c >= 0x20 && c != '"' && c != '\\' && c != FT__BAD_UTF8) continue;
        ft__buf_add(out, run, (size_t)(at - run));
        if (c == FT__BAD_UTF8)
            ft__buf_text(out, "\xEF\xBF\xBD");
        else
            ft__json_escape(out, (unsigned char)c);
        run = p;
    }
    ft__buf_add(out, run, (size_t)(p - run));
    ft__buf_byte(out, '"');
}

static void ft__json_write_key(ft__json_writer *w, const char *key, size_t n) {
    ft__json_separate(w);
    ft__json_quote(w->out, key, n);
    ft__buf_text(w->out, w->indent > 0 ? ": " : ":");
    w->after_key = true;
}

FT__PRIV void ft__json_key(ft__json_writer *w, const char *key) {
    ft__json_write_key(w, key, strlen(key));
}

FT__PRIV void ft__json_string(ft__json_writer *w, const char *text, size_t n) {
    ft__json_separate(w);
    ft__json_quote(w->out, text, n);
}

FT__PRIV void ft__json_text(ft__json_writer *w, const char *text) {
    ft__json_string(w, text, strlen(text));
}

/* A scalar other than a string, spelled already. */
static void ft__json_spelled(ft__json_writer *w, const char *text, size_t n) {
    ft__json_separate(w);
    ft__buf_add(w->out, text, n);
}

FT__PRIV void ft__json_number(ft__json_writer *w, double value) {
    char text[32];
    ft__json_spelled(w, text, ft__number_write(value, text));
}

FT__PRIV void ft__json_bool(ft__json_writer *w, bool value) {
    ft__json_spelled(w, value ? "true" : "false", value ? 4 : 5);
}

FT__PRIV void ft__json_null(ft__json_writer *w) { ft__json_spelled(w, "null", 4); }

/* Numbers keep the digits they came with: an id of 20 digits is not a double. */
FT__PRIV void ft__json_value(ft__json_writer *w, const ft__json *value) {
    switch (value->type) {
    case FT__JSON_NULL: ft__json_null(w); return;
    case FT__JSON_FALSE:
    case FT__JSON_TRUE: ft__json_bool(w, value->type == FT__JSON_TRUE); return;
    case FT__JSON_STRING: ft__json_string(w, value->text, value->text_len); return;
    case FT__JSON_NUMBER:
        if (value->text)
            ft__json_spelled(w, value->text, value->text_len);
        else
            ft__json_number(w, value->number);
        return;
    case FT__JSON_ARRAY:
    case FT__JSON_OBJECT: break;
    }
    bool is_object = value->type == FT__JSON_OBJECT;
    ft__json_begin(w, is_object ? '{' : '[');
    for (const ft__json *v = value->child; v; v = v->next) {
        if (is_object) ft__json_write_key(w, v->key, v->key_len);
        ft__json_value(w, v);
    }
    ft__json_end(w, is_object ? '}' : ']');
}
/* ---- end src/io/json.c */
/* ---- begin src/io/jsonl.c */
/* JSONL: one JSON value a line.  A line is cut first and parsed alone, so that a value may not run
   on into the next one and an error names the line that has it. */

FT__PRIV void ft__jsonl_init(ft__jsonl *reader, const char *text, size_t n, const char *name) {
    memset(reader, 0, sizeof *reader);
    reader->text = n ? text : "";
    reader->end = reader->text + n;
    reader->name = name;
    if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) reader->text += 3;
}

/* Moves on by one line. */
static void ft__jsonl_cut(ft__jsonl *reader) {
    const char *start = reader->text;
    size_t n = (size_t)(reader->end - start);
    const char *newline = (const char *)memchr(start, '\n', n);
    if (newline) n = (size_t)(newline - start);
    reader->text = newline ? newline + 1 : reader->end;
    if (n > 0 && start[n - 1] == '\r') n--;
    reader->line++;
    reader->line_text = start;
    reader->line_len = n;
}

static bool ft__jsonl_blank(const char *text, size_t n) {
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t' || text[n - 1] == '\r')) n--;
    return n == 0;
}

FT__PRIV ft_status ft__jsonl_next(ft__jsonl *reader, ft__arena *arena, ft__json **value,
                                  ft_error *err) {
    *value = NULL;
    while (reader->text < reader->end) {
        ft__jsonl_cut(reader);
        if (!ft__jsonl_blank(reader->line_text, reader->line_len))
            return ft__json_parse(reader->line_text, reader->line_len, reader->name, reader->line,
                                  arena, value, err);
    }
    return FT_OK;
}
/* ---- end src/io/jsonl.c */
/* ---- begin src/io/unicode.c */
/* Unicode: what class a character has, and its lower case.

   The classes are kept as runs of equal characters, spelled in printable text because that is the
   shortest form in a header: a run is one digit "kind * 4 + length - 1" for the lengths 1 to 3, and
   "kind * 4 + 3" followed by the length - 4 in base 45, lowest digit first, for longer ones; a
   digit of 45 or more says that another follows.  Digits are the 90 characters from '#' on without
   '?' (trigraphs) and '\'.  A kind is a class and a part in the rule of the final sigma; one kind
   more stands for the stretches where capital and small letters take turns.  Each line of runs says
   where it begins, so that one character is found by a binary search and a walk along one line.

   The lower case is a list of stretches with one distance.  The tables are those of Unicode 15.0.
 */

typedef enum ft__unicode_casing {
    FT__UNICODE_PLAIN, FT__UNICODE_CASED, FT__UNICODE_IGNORABLE
} ft__unicode_casing;

typedef struct ft__unicode_kind {
    ft__char_class char_class;
    ft__unicode_casing casing;
} ft__unicode_kind;

typedef struct ft__unicode_line {
    uint32_t first;
    const char *runs;
} ft__unicode_line;

typedef struct ft__unicode_case { /* first, first + step, ...: count letters, each + delta */
    uint32_t first;
    uint16_t count, step;
    int32_t delta;
} ft__unicode_case;

/* ---- begin src/io/unicode_tables.h */
/* Made by src/tools/make_unicode.c from Unicode 15.0.0; do not edit.
   The format is explained in io/unicode.c. */

static const ft__unicode_kind ft__unicode_kinds[] = {
    {FT__UNICODE_LU, FT__UNICODE_CASED},
    {FT__UNICODE_LT, FT__UNICODE_CASED},
    {FT__UNICODE_LL, FT__UNICODE_CASED},
    {FT__UNICODE_LM, FT__UNICODE_IGNORABLE},
    {FT__UNICODE_LO, FT__UNICODE_PLAIN},
    {FT__UNICODE_LO, FT__UNICODE_CASED},
    {FT__UNICODE_M, FT__UNICODE_IGNORABLE},
    {FT__UNICODE_M, FT__UNICODE_PLAIN},
    {FT__UNICODE_ND, FT__UNICODE_PLAIN},
    {FT__UNICODE_NO, FT__UNICODE_PLAIN},
    {FT__UNICODE_NO, FT__UNICODE_CASED},
    {FT__UNICODE_P, FT__UNICODE_PLAIN},
    {FT__UNICODE_P, FT__UNICODE_IGNORABLE},
    {FT__UNICODE_S, FT__UNICODE_PLAIN},
    {FT__UNICODE_S, FT__UNICODE_IGNORABLE},
    {FT__UNICODE_S, FT__UNICODE_CASED},
    {FT__UNICODE_Z, FT__UNICODE_PLAIN},
    {FT__UNICODE_CONTROL_SPACE, FT__UNICODE_PLAIN},
    {FT__UNICODE_C, FT__UNICODE_PLAIN},
    {FT__UNICODE_C, FT__UNICODE_IGNORABLE},
};
#define FT__UNICODE_ALTERNATING 20

static const char ft__unicode_ascii[] = /* 'A' + kind */
    "SSSSSSSSSRRRRRSSSSSSSSSSSSSSSSSSQLLLNLLMLLLNLLMLIIIIIIIIIIMLNNNL"
    "LAAAAAAAAAAAAAAAAAAAAAAAAAALLLOLOCCCCCCCCCCCCCCCCCCCCCCCCCCLNLNS";

static const ft__unicode_line ft__unicode_lines[] = {
    {0x0, "p(l$p1eRXQTRXQTPG)TPZQ&9R]P].9PXPXp%ip9eP[$P]X7PXqX]YI]+PT]H7PJP"},
    {0xC0, "&6X&&.7X.'xX$+x/+xOx%,$+#+$+%,&#+$+%-$+$+x$x#+#+$+%+#+$,3#-6##'+"},
    {0x1C7, "#'+#'+x/+x1+#'+#+%+xZ$.%$+$,#+&#+x'.e$3.:21`#2+`-2$`&/]/`0>d%x#/"},
    {0x375, "]#+n/-P#p#^#T%m#m$+&0m&(.C#,%-x7.##+X#+$,&S$.PxBX>&xW$x-+xS%m&Fn"},
    {0x559, "/S$T.IQnZm>MP;P<P<P;p'6:p#6#PTp*t%ZQXQY>*PqR6@/6)>4G)S#4;6V%P3>&"},
    {0x6DD, "qX>%0<X>#4G)5Y3S-mq3;6=>:n6z$>*3p-G)6A>(0XR/n;Y65>#/>(/=/>$nS.m"},
    {0x840, "68=nPm6*p$67]6%mrp%>'6I/>7q>@@6V$;@;3B>'C#;A3>&6)<QG)P/6.;Am6'n4"},
    {0x991, "n65m6&m3o6#n;3B>#nAnA;3p'@p#4m5<nG)4YK%Y3P;n<@m6%p#4n65m6&m4m4m4"},
    {0xA3A, "n;mB<p#<n=o;p&6#m3p&G)<5;Pp)<@m6(m5m65m6&m4m6$n;3B>$m<@mA;n3p.4<"},
    {0xAE4, "nG)PXp&3>%m;Am6'n4n65m6&m4m6$n;3@;@>#nAnA;p&<@p#4m5<nG)X3K%p);3m"},
    {0xB85, "6%o5m6#o4m3m4o4o5o6+p#A;AoBmB;n3p%@p-G)J['p$;B;6'm5m66m6/n;3=C#m"},
    {0xC46, "=m>#p&<m5n3n4<nG)p&PK&X3;AP6'm5m66m6)m6$n;3@;C$m;AmA<p&Ap%4m4<n"},
    {0xCE6, "G)m4@p+<A6(m5m6I<3B>#mBmB;3Xp#5@K&5<nG)K(X6%m;Am61o67m6(m3n6&o;"},
    {0xDCB, "p#B=m;mC'p%G)nAPp+6P;4>&p#X6%/>'PG)QpE4m3m6$m67m3m6);4>(3n6$m/m"},
    {0xEC8, ">&mG)n6#p@3ZS.XPZ<[%G)K)X;X;X;S#A6'm6Dp#>-@>$P<6$>*m>Dm[';[%mYS$"},
    {0xFD5, "[#QpE6KA>#@>%@<A<3G)S%6%A<6#=3B4C&5>#6,;A<C%;3@G)B;Y&Fm#p$#n.KP/"},
    {0x10FD, "-6[*m6#n6&m3m6#n6Im6#n6Am6#n6&m3m6#n6.m6Y$m6#n6d$n=S(K3o6/[)p%"},
    {0x13A0, "&w$n.%nP6q0XP60e69Qo6l$RJ6'p&61=@p(62<@Qp(61<p+6,m5m<p+6T$<@>&C'"},
    {0x17C6, ";A>*R/RX3;nG)p%K)p%S*=q;G)p%6C/6U$p&6$<6B;3p$6g$p)6>m=C#<Bp#A;C%"},
    {0x1939, "=p#XoQG)6=n6$p*6Lp#69p%G)Ho[B66<A;nQ6U$@;@>&m;@;A>'C%>)n;G)p%G)"},
    {0x1A9A, "p%S&/S%n>>pQ$>#@6O;@>$@;C$;A6'oG)S&[)>([(Qm<@6=@>#A<@=4G)6L;@<B;"},
    {0x1BEE, "@=Ap'S#6DC'>'A<oS$G)o5G)6=2%Q.(p&&Kn%S'p'=P>,@>&6#;6%;4@<3p$.L"},
    {0x1D2C, "2`$.,/.B2E>a$x]&.'xU%.'&'.%n&%n.'&'.'&'.%n&%n.'m#m#m#m#.'&'.-n.'"},
    {0x1F88, "*'.'*'.'*'.$m,&#']+_-m,&#'_.#n,&#m_.'&$_n-m,&#'^mh*t$S'US)TQTft$"},
    {0x202F, "eS3XS,XS+et$mt)H/nK%ZQ/K)ZQm2,o[Ap.>Ap.Y#[##Y+%,%+X#Z&$[%#X#X#X"},
    {0x212A, "&#X+&#+6#+Y,$[$#.#[#+XK/O@J#+K$Yp#[^+S#[<Q[i(p8[*p4K]$[9dT$K5[m0"},
    {0x2768, "S-K=[Q$Q[>S)[y+S5[`$S#[@Q[[+n[@m[]%&P.P#+%,x&%+#,#.%0%+xU%+[%x#="},
    {0x2CF2, "#+p$S#HQ.Fm+p$+n6X$p&/Pp-;66p(6&m6&m6&m6&m6&m6&m6&m6&m>@SO/S@YS+"},
    {0x2E5E, "pB[9m[z$p+[p'p9[+p#eRX/3HS)YS+XK(>#AP2$YJ/3PYm6w$n<^03P6{$P13p$"},
    {0x3105, "6Km6Q%mYK#[)6@[Dp+6/[>mK)[=K'XK.[@K)[GK.[R*6d]&[a$6yb-/6`<o[W$p("},
    {0xA4D0, "6H2%Q6y(/R6/G)4p3xN3>#P>)P/x;0<6g$K)<S%p'`62(^x-,x_$/.'x$x)/^x#3"},
    {0xA790, "x#,x4&#+&$+x.%+#+p$#+m+m+x#p71#+30+6&;5;6#;66A<@[#;oK%[#p%6T$S#"},
    {0xA878, "p'A6R$C/<p'QG)p%>16%R3P4;G)6;>'Q66>*Ap*P6<o=@6O;A>#A<BS,m/G)p#Q"},
    {0xA9E0, "6$;/6(G)6$m6I>%A<A<p(5;6';@nG)nS#6//6%Z3@;@6R$;3=4<6$<3;3p74/Q6*"},
    {0xAAEB, "@<AQ30@;p)6%n6%n6%p(6&m6&m.K]2#.(/^p#.q$6CA;A;AP@;nG)p%6Yi(p+66"},
    {0xD7C7, "p#6Q$psX'6S+n6^%pF.&p+.$p$3;6)X6,m6$m3m4m4m6`%`0p/6~*Q[/6a$n6V$"},
    {0xFDC8, "p&Xp@6+[#>/RTS%p%>/SBTmPTS+XPZmPXQp#6$m6{%nqmRXQTRXQTPG)TPZQ&9R]"},
    {0xFF3F, "P].9PXPXS&6)/6M06>o6%n6%n6%n5oZ]Zm[&p)sYn6+m69m62m4m6.n6-pB6o%p$"},
    {0x10100, "Rp#KMo[(KY$[0IZm[,oXpO[M;pv%6<o6Q$p.;K:p#6@K#p(63H6'Hp$6F>$p$6=m"},
    {0x1039F, "P6Dp#6'PK$pJ&H.H6o$nG)p%&Dp#.Dp#6Hp'6T$p*P&*m&.m&&m$m.*m..m.&m,"},
    {0x105BD, "pd$6w)p(65p)6'p72%m2Jm2(pf$6%n3m6Lm4o3n66mPK'66YK&6>p'K(pP62m4p$"},
    {0x108FB, "K$65K%oP69p$Ppa$6X$p#I4K/nKN3=m<p$>#6#m5m6<n=p#;K(p&S(p&6<IP6<J"},
    {0x10AA0, "p@6'X6;<p#K$S&p(6V$oS&65nK'62p$K'61p&S#p+K&pq$6j$pW$&S$p,.S$p&K%"},
    {0x10D00, "6D>#p'G)pf)K>m6Jm<Pn4pl$=6<K)3p'65>*K#S$p561>#S#pF64K&p366p(@;@"},
    {0x11003, "6U$>.S&p#K3G);4<3p(=@6MB>#A<QqS#;p)qn68p&G)p%=6D>$@>'mG)S#3A3p'"},
    {0x11150, "6C;Q3p(<@6PB>(A6#S#>#P@;G)3P3RmK3p*61m68B=A;@<S%;4;p_$6&m3m6#m6."},
    {0x1129E, "m6)Pp%6O;B>'p$G)p%<Am6'n4n65m6&m4m6$m<3A;C#nAnBn3p%@p$6$An>&o>$"},
    {0x11375, "pQ&6U$B>'A=@;6#S$G)QmP;5p=6PB>%@;C#<@<4P3p'G)pm&6OB>#nC#<@<S66#<"},
    {0x115DE, "pB6PB>'A;@<R3p*G)p%S,p26K;@;A>%@;3Pp%G)pV$6:n=A>#@>$p#G)IRX6&pR'"},
    {0x11800, "6LB>(@<PpW%&@.@G)K(p+6'n3n6'm4m67C%mAn<@;3@3@;Rp(G)pg$6'n6GB>#n<"},
    {0x119DC, "C#;3P3@p:3>)6H>%@3>#S';p'3>%A=6N>,@<R3S$p,6j$p&S)pc(6(m6E@>&m>%@"},
    {0x11C3F, ";3S$p)G)K2oQ6=n>5m@>&@<@<pj$6&m4m6F>%o;m<m>&3;p'G)p%6%m4m6@C$m<m"},
    {0x11D93, "A;@;3p&G)pv)62<AQp&<3@6,m6BA>$oA;@;S,G)pw$3p.K4[<p,P6d7pY%Kc%mS$"},
    {0x12475, "p*6^'ph_$6T%Qp,6s:t/;6%>.pR~$6y/pt]'6k/p&6>mG)p#Q6p$mG)p%6=n>$P"},
    {0x16AF6, "p)6P>&S$[#2#PXp)G)mK&m64p$62pZ2&@.@K6S#pX%6l$p#;3CW$p&>#2,pa$0P/"},
    {0x16FE4, ";p*Ap-6^R&p'6e>pJ6(pgd'2#m2&m0m6c)p.3p<5n3p-6#p'6r+pZW$6_%p$6,o"},
    {0x1BC80, "6(p&6)nX<Pt#pb`%>Nn>6p([h%p]$[c(p)[Gn[]$A=ZC%t'>'Y>&[=>#[^$p4[c$"},
    {0x1D242, "=Xpn%K3p+K3p+[x$p(K8p{%&9.9&9.&m.1&9.9#m$n#n$n&#m&'.#m+m.&m.*&9"},
    {0x1D4EA, ".9$m&#n&'m&&m.9$m&#m&$m#o&&m.9&9.9&9.9&9.9&9.9&9.9&9.;n&8X.8X.%"},
    {0x1D6E2, "&8X.8X.%&8X.8X.%&8X.8X.%&8X.8X.%#+nGR$[_.>W$[#>R$[';[-;YS$p.>$m"},
    {0x1DAA1, ">.pf;.)3.3p%.%po'>&m>0n>&m<m>$p$2_$pA;pd%6Mo>&2&nG)p#3XpR*6=;p0"},
    {0x1E2C0, "6L>#G)p$Xp[-6:/>#G)pd36&m6#m4m6.m6_'nK(>&pI&B.B>&/p#G)p#Qpb4K[$X"},
    {0x1ECAD, "JXK#pm$KMXK.p['6#m6:m4m3n3m6)m6#m3m3p%3p#3m3m3m5m4m3n3m3m3m3m3m4"},
    {0x1EE63, "m3n6#m6&m6#m6#m3m6)m60p$5m6$m60pT$Yp{([Lp#[W%p+[.n[.m[.m[Ep)K,[C"},
    {0x1F130, "d9[%d9[%d9[DpX$[<p,[Lp#[(p&Yp-[%pa&[h(`$[U3p#[0o[,o[k%p#[R%p%[+"},
    {0x1F7EC, "p#Xp.[+p#[X$p'[)p%[Hp'[=nYpo$[g*p+[-n[,o[(p&[Nm[&p'[-p#[(p&[(p&"},
    {0x1FB00, "[Y&m[W$pEG)pv96]U8p@6[S%p%6x'n6}w%p-6~p&pyi$6}.pcE6pe%p$6TT%"},
    {0x323B0, "pwgv*qp=tS%pt%>](p}wW%"}};

static const ft__unicode_case ft__unicode_lower[] = {
    {0x41,26,1,32},{0xC0,23,1,32},{0xD8,7,1,32},{0x100,24,2,1},{0x130,1,1,-199},{0x132,3,2,1},
    {0x139,8,2,1},{0x14A,23,2,1},{0x178,1,1,-121},{0x179,3,2,1},{0x181,1,1,210},{0x182,2,2,1},
    {0x186,1,1,206},{0x187,1,1,1},{0x189,2,1,205},{0x18B,1,1,1},{0x18E,1,1,79},{0x18F,1,1,202},
    {0x190,1,1,203},{0x191,1,1,1},{0x193,1,1,205},{0x194,1,1,207},{0x196,1,1,211},{0x197,1,1,209},
    {0x198,1,1,1},{0x19C,1,1,211},{0x19D,1,1,213},{0x19F,1,1,214},{0x1A0,3,2,1},{0x1A6,1,1,218},
    {0x1A7,1,1,1},{0x1A9,1,1,218},{0x1AC,1,1,1},{0x1AE,1,1,218},{0x1AF,1,1,1},{0x1B1,2,1,217},
    {0x1B3,2,2,1},{0x1B7,1,1,219},{0x1B8,1,1,1},{0x1BC,1,1,1},{0x1C4,1,1,2},{0x1C5,1,1,1},
    {0x1C7,1,1,2},{0x1C8,1,1,1},{0x1CA,1,1,2},{0x1CB,9,2,1},{0x1DE,9,2,1},{0x1F1,1,1,2},
    {0x1F2,2,2,1},{0x1F6,1,1,-97},{0x1F7,1,1,-56},{0x1F8,20,2,1},{0x220,1,1,-130},{0x222,9,2,1},
    {0x23A,1,1,10795},{0x23B,1,1,1},{0x23D,1,1,-163},{0x23E,1,1,10792},{0x241,1,1,1},
    {0x243,1,1,-195},{0x244,1,1,69},{0x245,1,1,71},{0x246,5,2,1},{0x370,2,2,1},{0x376,1,1,1},
    {0x37F,1,1,116},{0x386,1,1,38},{0x388,3,1,37},{0x38C,1,1,64},{0x38E,2,1,63},{0x391,17,1,32},
    {0x3A3,9,1,32},{0x3CF,1,1,8},{0x3D8,12,2,1},{0x3F4,1,1,-60},{0x3F7,1,1,1},{0x3F9,1,1,-7},
    {0x3FA,1,1,1},{0x3FD,3,1,-130},{0x400,16,1,80},{0x410,32,1,32},{0x460,17,2,1},{0x48A,27,2,1},
    {0x4C0,1,1,15},{0x4C1,7,2,1},{0x4D0,48,2,1},{0x531,38,1,48},{0x10A0,38,1,7264},
    {0x10C7,1,1,7264},{0x10CD,1,1,7264},{0x13A0,80,1,38864},{0x13F0,6,1,8},{0x1C90,43,1,-3008},
    {0x1CBD,3,1,-3008},{0x1E00,75,2,1},{0x1E9E,1,1,-7615},{0x1EA0,48,2,1},{0x1F08,8,1,-8},
    {0x1F18,6,1,-8},{0x1F28,8,1,-8},{0x1F38,8,1,-8},{0x1F48,6,1,-8},{0x1F59,4,2,-8},
    {0x1F68,8,1,-8},{0x1F88,8,1,-8},{0x1F98,8,1,-8},{0x1FA8,8,1,-8},{0x1FB8,2,1,-8},
    {0x1FBA,2,1,-74},{0x1FBC,1,1,-9},{0x1FC8,4,1,-86},{0x1FCC,1,1,-9},{0x1FD8,2,1,-8},
    {0x1FDA,2,1,-100},{0x1FE8,2,1,-8},{0x1FEA,2,1,-112},{0x1FEC,1,1,-7},{0x1FF8,2,1,-128},
    {0x1FFA,2,1,-126},{0x1FFC,1,1,-9},{0x2126,1,1,-7517},{0x212A,1,1,-8383},{0x212B,1,1,-8262},
    {0x2132,1,1,28},{0x2160,16,1,16},{0x2183,1,1,1},{0x24B6,26,1,26},{0x2C00,48,1,48},
    {0x2C60,1,1,1},{0x2C62,1,1,-10743},{0x2C63,1,1,-3814},{0x2C64,1,1,-10727},{0x2C67,3,2,1},
    {0x2C6D,1,1,-10780},{0x2C6E,1,1,-10749},{0x2C6F,1,1,-10783},{0x2C70,1,1,-10782},
    {0x2C72,1,1,1},{0x2C75,1,1,1},{0x2C7E,2,1,-10815},{0x2C80,50,2,1},{0x2CEB,2,2,1},
    {0x2CF2,1,1,1},{0xA640,23,2,1},{0xA680,14,2,1},{0xA722,7,2,1},{0xA732,31,2,1},{0xA779,2,2,1},
    {0xA77D,1,1,-35332},{0xA77E,5,2,1},{0xA78B,1,1,1},{0xA78D,1,1,-42280},{0xA790,2,2,1},
    {0xA796,10,2,1},{0xA7AA,1,1,-42308},{0xA7AB,1,1,-42319},{0xA7AC,1,1,-42315},
    {0xA7AD,1,1,-42305},{0xA7AE,1,1,-42308},{0xA7B0,1,1,-42258},{0xA7B1,1,1,-42282},
    {0xA7B2,1,1,-42261},{0xA7B3,1,1,928},{0xA7B4,8,2,1},{0xA7C4,1,1,-48},{0xA7C5,1,1,-42307},
    {0xA7C6,1,1,-35384},{0xA7C7,2,2,1},{0xA7D0,1,1,1},{0xA7D6,2,2,1},{0xA7F5,1,1,1},
    {0xFF21,26,1,32},{0x10400,40,1,40},{0x104B0,36,1,40},{0x10570,11,1,39},{0x1057C,15,1,39},
    {0x1058C,7,1,39},{0x10594,2,1,39},{0x10C80,51,1,64},{0x118A0,32,1,32},{0x16E40,32,1,32},
    {0x1E900,34,1,34},
};
/* ---- end src/io/unicode_tables.h */

#define FT__UNICODE_HALF 45u

static uint32_t ft__unicode_digit(char c) {
    return (uint32_t)(c - '#') - (uint32_t)(c > '?') - (uint32_t)(c > '\\');
}

/* Reads one run at *p and moves past it. */
static uint32_t ft__unicode_run(const char **p, uint32_t *length) {
    uint32_t head = ft__unicode_digit(*(*p)++);
    *length = head % 4 + 1;
    if (*length == 4) {
        uint32_t digit, unit = 1;
        while ((digit = ft__unicode_digit(*(*p)++)) >= FT__UNICODE_HALF) {
            *length += (digit - FT__UNICODE_HALF) * unit;
            unit *= FT__UNICODE_HALF;
        }
        *length += digit * unit;
    }
    return head / 4;
}

static const ft__unicode_kind *ft__unicode_find(uint32_t c) {
    size_t low = 0, high = FT__COUNT(ft__unicode_lines);
    if (c < 0x80) return &ft__unicode_kinds[ft__unicode_ascii[c] - 'A'];
    if (c > 0x10FFFF) c = 0x10FFFF; /* a noncharacter: class C */
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (ft__unicode_lines[middle].first <= c) low = middle;
        else high = middle;
    }
    const char *p = ft__unicode_lines[low].runs;
    uint32_t offset = c - ft__unicode_lines[low].first, length, kind;
    for (;;) {
        kind = ft__unicode_run(&p, &length);
        if (offset < length) break;
        offset -= length;
    }
    /* Capitals and small letters in turn: kinds 0 and 2. */
    if (kind == FT__UNICODE_ALTERNATING) kind = offset % 2 * 2;
    return &ft__unicode_kinds[kind];
}

FT__PRIV ft__char_class ft__char_class_of(uint32_t c) { return ft__unicode_find(c)->char_class; }

FT__PRIV bool ft__is_space(uint32_t c) {
    if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F);
    return (FT__CLASS_BIT(ft__char_class_of(c)) & FT__CLASS_SPACE) != 0;
}

FT__PRIV bool ft__is_word(uint32_t c) {
    return c == '_' || (FT__CLASS_BIT(ft__char_class_of(c)) & (FT__CLASS_L | FT__CLASS_N)) != 0;
}

FT__PRIV uint32_t ft__lower_char(uint32_t c) {
    size_t low = 0, high = FT__COUNT(ft__unicode_lower);
    if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (ft__unicode_lower[middle].first <= c) low = middle;
        else high = middle;
    }
    const ft__unicode_case *row = &ft__unicode_lower[low];
    uint32_t offset = c - row->first;
    bool inside = offset / row->step < row->count && offset % row->step == 0;
    return inside && c <= 0x10FFFF ? c + (uint32_t)row->delta : c;
}

FT__PRIV uint32_t ft__upper_char(uint32_t c) {
    if (c < 0x80) return c >= 'a' && c <= 'z' ? c - 32 : c;
    for (size_t i = 0; i < FT__COUNT(ft__unicode_lower); i++) {
        const ft__unicode_case *row = &ft__unicode_lower[i];
        uint32_t offset = c - (uint32_t)row->delta - row->first; /* wraps far outside */
        if (offset / row->step < row->count && offset % row->step == 0) return row->first + offset;
    }
    return c;
}

/* Is a capital sigma that ends here the last letter of its word?  After it may come ignorable
   characters (accents, apostrophes), but then no cased one. */
static bool ft__unicode_ends_word(const char *p, const char *end) {
    while (p < end) {
        ft__unicode_casing casing = ft__unicode_find(ft__utf8_next(&p, end))->casing;
        if (casing != FT__UNICODE_IGNORABLE) return casing != FT__UNICODE_CASED;
    }
    return true;
}

FT__PRIV void ft__lower(const char *text, size_t n, ft__buf *out) {
    const char *p = text, *end = text + n;
    bool after_cased = false; /* not counting ignorable characters */
    while (p < end) {
        const char *start = p;
        uint32_t c = ft__utf8_next(&p, end);
        uint32_t lower = c;
        if (c == 0x3A3) lower = after_cased && ft__unicode_ends_word(p, end) ? 0x3C2 : 0x3C3;
        else if (c != FT__BAD_UTF8) lower = ft__lower_char(c);
        ft__unicode_casing casing = ft__unicode_find(c)->casing;
        if (casing != FT__UNICODE_IGNORABLE) after_cased = casing == FT__UNICODE_CASED;
        if (lower == c) {
            ft__buf_add(out, start, (size_t)(p - start));
            continue;
        }
        char bytes[4];
        ft__buf_add(out, bytes, (size_t)ft__utf8_encode(lower, bytes));
        if (c == 0x130) ft__buf_text(out, "\xCC\x87"); /* I with a dot becomes i and a dot above */
    }
}

#undef FT__UNICODE_HALF
#undef FT__UNICODE_ALTERNATING
/* ---- end src/io/unicode.c */
/* ---- begin src/io/gguf.c */
/* GGUF, the container of models and adapters: a head (magic, version, two counts), key-value pairs,
   tensor infos, padding, tensor data.  Little-endian; versions 2 and 3 have the same layout.

   Reading trusts nothing.  A count is compared with the bytes that are left before memory is asked
   for it, every length before it is stepped over, and every tensor must lie inside the file, so
   that later code may use kv[].data and tensors[].data without looking back.  Tensors may share
   bytes: nothing is ever written to them.  Strings stay where they are in the mapped file.

   Writing collects keys and infos in memory, puts the head out before the first tensor's data, and
   lets ft__writer see to it that only a whole file gets the name. */
/* ---- begin src/io/io.h */
/* Floor 1: file formats.  JSON and friends (json.h), and GGUF. */
#ifndef FT__IO_H
#define FT__IO_H


/* ---- gguf: io/gguf.c.  The container of models and adapters, versions 2 and 3. */

typedef enum ft__gguf_type {
    FT__GGUF_U8, FT__GGUF_I8, FT__GGUF_U16, FT__GGUF_I16, FT__GGUF_U32, FT__GGUF_I32, FT__GGUF_F32,
    FT__GGUF_BOOL, FT__GGUF_STRING, FT__GGUF_ARRAY, FT__GGUF_U64, FT__GGUF_I64, FT__GGUF_F64,
    FT__GGUF_TYPE_COUNT
} ft__gguf_type;

/* Bytes in the mapped file; not NUL-terminated. */
typedef struct ft__gguf_str { const char *data; size_t len; } ft__gguf_str;

typedef struct ft__gguf_kv {
    ft__gguf_str key;
    ft__gguf_type type;         /* FT__GGUF_ARRAY: the elements' type is `element` */
    ft__gguf_type element;
    uint64_t count;             /* 1, or the length of an array */
    const uint8_t *data;        /* the value's bytes, unaligned; for strings see ft__gguf_strings */
} ft__gguf_kv;

#define FT__MAX_DIMS 4
typedef struct ft__gguf_tensor {
    const char *name;           /* NUL-terminated, at most 255 bytes */
    int n_dims;
    uint64_t ne[FT__MAX_DIMS];  /* fastest first; 1 beyond n_dims */
    uint32_t type;              /* an id of the format table (num/quant.c knows the sizes) */
    uint64_t offset;            /* from the start of the file */
    uint64_t size;              /* bytes */
    const uint8_t *data;
} ft__gguf_tensor;

typedef struct ft__gguf {
    const char *path;
    ft__mapping file;
    ft__arena arena;
    uint32_t version, alignment;
    ft__gguf_kv *kv;
    size_t n_kv;
    ft__gguf_tensor *tensors;
    size_t n_tensors;
    uint32_t *index;            /* open-addressing hash of tensor names; private to gguf.c */
    size_t index_size;
} ft__gguf;

/* Opens and checks the whole file: every count, length, offset, overlap with the end of the file.
   A tensor type that the format table lacks is FT_ERR_UNSUPPORTED.  *g needs ft__gguf_close only
   after success. */
FT__PRIV ft_status ft__gguf_open(ft__gguf *g, const char *path, const ft_allocator *a, ft_error *err);
FT__PRIV void ft__gguf_close(ft__gguf *g);
FT__PRIV const ft__gguf_tensor *ft__gguf_find(const ft__gguf *g, const char *name); /* NULL: none */
FT__PRIV const ft__gguf_kv *ft__gguf_key(const ft__gguf *g, const char *key);       /* NULL: none */

/* Values by key, any integer width accepted.  Absent: *value keeps what it has (the default) and the
   status is FT_OK.  Present with another type, or outside the range: FT_ERR_FORMAT naming the key. */
FT__PRIV ft_status ft__gguf_int(const ft__gguf *g, const char *key, int64_t lowest, int64_t highest,
                                int64_t *value, ft_error *err);
FT__PRIV ft_status ft__gguf_float(const ft__gguf *g, const char *key, double *value, ft_error *err);
FT__PRIV ft_status ft__gguf_bool(const ft__gguf *g, const char *key, bool *value, ft_error *err);
FT__PRIV ft_status ft__gguf_string(const ft__gguf *g, const char *key, ft__gguf_str *value,
                                   ft_error *err);
/* All strings of an array of strings, as an array in the file's arena. */
FT__PRIV ft_status ft__gguf_strings(ft__gguf *g, const ft__gguf_kv *kv, ft__gguf_str **strings,
                                    ft_error *err);
/* Element i of an array (or of a single value, i = 0) of numbers or bools, as a double / integer. */
FT__PRIV double ft__gguf_number_at(const ft__gguf_kv *kv, uint64_t i);
FT__PRIV int64_t ft__gguf_int_at(const ft__gguf_kv *kv, uint64_t i);

/* Writing version 3.  Keys first, then the declarations of all tensors, then their data in the same
   order; the file appears under its name only when ft__gguf_write_end succeeds. */
typedef struct ft__gguf_writer {
    ft_allocator allocator;
    ft__writer file;
    ft__buf kv, infos;
    uint64_t n_kv, n_tensors, next_offset;
    uint64_t *sizes;            /* (n_tensors) */
    size_t cap_sizes;
    uint64_t n_written;         /* tensors whose data is in */
    bool head_written;
} ft__gguf_writer;
FT__PRIV ft_status ft__gguf_write_begin(ft__gguf_writer *w, const char *path, const ft_allocator *a,
                                        ft_error *err);
FT__PRIV void ft__gguf_write_u32(ft__gguf_writer *w, const char *key, uint32_t value);
FT__PRIV void ft__gguf_write_f32(ft__gguf_writer *w, const char *key, float value);
FT__PRIV void ft__gguf_write_bool(ft__gguf_writer *w, const char *key, bool value);
FT__PRIV void ft__gguf_write_string(ft__gguf_writer *w, const char *key, const char *text);
FT__PRIV void ft__gguf_write_strings(ft__gguf_writer *w, const char *key, const char *const *texts,
                                     size_t n);
FT__PRIV void ft__gguf_write_f32s(ft__gguf_writer *w, const char *key, const float *values, size_t n);
FT__PRIV void ft__gguf_write_i32s(ft__gguf_writer *w, const char *key, const int32_t *values, size_t n);
/* A key-value pair of another file, byte for byte. */
FT__PRIV void ft__gguf_write_kv(ft__gguf_writer *w, const ft__gguf_kv *kv);
FT__PRIV ft_status ft__gguf_write_tensor(ft__gguf_writer *w, const char *name, int n_dims,
                                         const uint64_t *ne, uint32_t type, ft_error *err);
FT__PRIV ft_status ft__gguf_write_data(ft__gguf_writer *w, const void *bytes, size_t n, ft_error *err);
FT__PRIV ft_status ft__gguf_write_end(ft__gguf_writer *w, ft_error *err);
FT__PRIV void ft__gguf_write_abort(ft__gguf_writer *w);

/* ---- format sizes: num/quant.c owns the table, the container needs the sizes. */

/* Elements and bytes per block of a tensor type id; false if the id is unknown. */
FT__PRIV bool ft__format_block(uint32_t type, uint32_t *n_elements, uint32_t *n_bytes);

#endif /* FT__IO_H */
/* ---- end src/io/io.h */

enum {
    FT__GGUF_MAX_KEYS = 4096,        /* models have 20 to 60 */
    FT__GGUF_MAX_TENSORS = 65536,    /* the largest models have some 2000, adapters twice that */
    FT__GGUF_MAX_KEY = 65535,        /* bytes, from the format's description */
    FT__GGUF_MAX_NAME = 255,
    FT__GGUF_MAX_ALIGNMENT = 65536,
    FT__GGUF_ALIGNMENT = 32,         /* where the file does not say, and what the writer uses */
    FT__GGUF_MIN_KV = 13,            /* bytes: length, type, the smallest value */
    FT__GGUF_MIN_INFO = 33           /* bytes: length, name of 1, n_dims, one dim, type, offset */
};

typedef struct ft__gguf_type_row {
    const char *name;
    uint32_t size; /* bytes, 0 where it varies */
    char kind;     /* 'i' an integer, 'f' a float, 0 neither */
} ft__gguf_type_row;

static const ft__gguf_type_row ft__gguf_types[FT__GGUF_TYPE_COUNT] = {
    {"u8", 1, 'i'},   {"i8", 1, 'i'},    {"u16", 2, 'i'},  {"i16", 2, 'i'}, {"u32", 4, 'i'},
    {"i32", 4, 'i'},  {"f32", 4, 'f'},   {"bool", 1, 0},   {"string", 0, 0}, {"array", 0, 0},
    {"u64", 8, 'i'},  {"i64", 8, 'i'},   {"f64", 8, 'f'},
};

/* "path: name" for an error's place. */
typedef struct ft__gguf_place { char text[384]; } ft__gguf_place;

static const char *ft__gguf_place_of(ft__gguf_place *place, const char *path, const char *name,
                                     size_t n) {
    snprintf(place->text, sizeof place->text, "%.250s: %.*s", path, n < 120 ? (int)n : 120, name);
    return place->text;
}

/* ---- reading */

typedef struct ft__gguf_reader {
    ft__gguf *g;
    size_t at; /* <= g->file.size */
    ft_error *err;
} ft__gguf_reader;

static uint64_t ft__gguf_left(const ft__gguf_reader *r) { return r->g->file.size - r->at; }

/* The next n bytes, or NULL if the file has fewer. */
static const uint8_t *ft__gguf_take(ft__gguf_reader *r, uint64_t n) {
    if (n > ft__gguf_left(r)) return NULL;
    const uint8_t *bytes = r->g->file.data + r->at;
    r->at += (size_t)n;
    return bytes;
}

static ft_status ft__gguf_cut(const ft__gguf_reader *r, const char *what) {
    return ft__fail(r->err, FT_ERR_FORMAT, r->g->path, "the file ends inside %s; it has %zu bytes",
                    what, r->g->file.size);
}

static ft_status ft__gguf_read_u32(ft__gguf_reader *r, const char *what, uint32_t *value) {
    const uint8_t *bytes = ft__gguf_take(r, sizeof *value);
    if (!bytes) return ft__gguf_cut(r, what);
    memcpy(value, bytes, sizeof *value);
    return FT_OK;
}

static ft_status ft__gguf_read_u64(ft__gguf_reader *r, const char *what, uint64_t *value) {
    const uint8_t *bytes = ft__gguf_take(r, sizeof *value);
    if (!bytes) return ft__gguf_cut(r, what);
    memcpy(value, bytes, sizeof *value);
    return FT_OK;
}

/* A key or a tensor's name.  Control characters, NUL among them, would only serve to confuse. */
static ft_status ft__gguf_read_name(ft__gguf_reader *r, const char *what, uint64_t longest,
                                    ft__gguf_str *name) {
    uint64_t n = 0;
    ft_status status = ft__gguf_read_u64(r, what, &n);
    if (status) return status;
    const char *bytes = (const char *)ft__gguf_take(r, n);
    if (!bytes) return ft__gguf_cut(r, what);
    if (n == 0) return ft__fail(r->err, FT_ERR_FORMAT, r->g->path, "%s is empty", what);
    if (n > longest)
        return ft__fail(r->err, FT_ERR_LIMIT, r->g->path,
                        "%s has %llu bytes, at most %llu are allowed", what,
                        (unsigned long long)n, (unsigned long long)longest);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)bytes[i] < 32)
            return ft__fail(r->err, FT_ERR_FORMAT, r->g->path, "%s holds the control byte %d", what,
                            bytes[i]);
    name->data = bytes;
    name->len = (size_t)n;
    return FT_OK;
}

/* Steps over `count` values of type kv->element and notes where they begin. */
static ft_status ft__gguf_read_elements(ft__gguf_reader *r, ft__gguf_kv *kv, const char *place) {
    uint64_t size = ft__gguf_types[kv->element].size;
    uint64_t least = size ? size : 8; /* a string is at least its length */
    if (kv->count > ft__gguf_left(r) / least)
        return ft__fail(r->err, FT_ERR_FORMAT, place,
                        "%llu values of type %s, but %llu bytes are left",
                        (unsigned long long)kv->count, ft__gguf_types[kv->element].name,
                        (unsigned long long)ft__gguf_left(r));
    kv->data = r->g->file.data + r->at;
    if (size) {
        r->at += (size_t)(kv->count * size);
        return FT_OK;
    }
    for (uint64_t i = 0; i < kv->count; i++) {
        uint64_t n;
        const uint8_t *length = ft__gguf_take(r, sizeof n);
        if (length) memcpy(&n, length, sizeof n);
        if (!length || !ft__gguf_take(r, n))
            return ft__fail(r->err, FT_ERR_FORMAT, place,
                            "the file ends inside string %llu of %llu", (unsigned long long)i,
                            (unsigned long long)kv->count);
    }
    return FT_OK;
}

static ft_status ft__gguf_read_kv(ft__gguf_reader *r, ft__gguf_kv *kv) {
    ft__gguf_place place;
    uint32_t type = 0, element;
    ft_status status = ft__gguf_read_name(r, "a key", FT__GGUF_MAX_KEY, &kv->key);
    if (!status) status = ft__gguf_read_u32(r, "a value's type", &type);
    if (status) return status;
    ft__gguf_place_of(&place, r->g->path, kv->key.data, kv->key.len);
    element = type;
    kv->count = 1;
    if (type == FT__GGUF_ARRAY) {
        status = ft__gguf_read_u32(r, "an array's type", &element);
        if (!status) status = ft__gguf_read_u64(r, "an array's length", &kv->count);
        if (status) return status;
        if (element == FT__GGUF_ARRAY)
            return ft__fail(r->err, FT_ERR_UNSUPPORTED, place.text, "an array of arrays");
    }
    if (element >= FT__GGUF_TYPE_COUNT)
        return ft__fail(r->err, FT_ERR_FORMAT, place.text, "value type %u, expected 0 to %d",
                        element, FT__GGUF_TYPE_COUNT - 1);
    kv->type = (ft__gguf_type)type;
    kv->element = (ft__gguf_type)element;
    return ft__gguf_read_elements(r, kv, place.text);
}

static const ft__gguf_kv *ft__gguf_find_key(const ft__gguf *g, const char *key, size_t n) {
    for (size_t i = 0; i < g->n_kv; i++)
        if (ft__text_equal(g->kv[i].key.data, g->kv[i].key.len, key, n)) return &g->kv[i];
    return NULL;
}

static ft_status ft__gguf_read_keys(ft__gguf_reader *r, size_t n) {
    ft__gguf *g = r->g;
    ft__gguf_place place;
    g->kv = (ft__gguf_kv *)ft__arena_alloc(&g->arena, n, sizeof *g->kv);
    if (!g->kv) return ft__fail_memory(r->err);
    for (; g->n_kv < n; g->n_kv++) {
        ft__gguf_kv *kv = &g->kv[g->n_kv];
        ft_status status = ft__gguf_read_kv(r, kv);
        if (status) return status;
        if (ft__gguf_find_key(g, kv->key.data, kv->key.len))
            return ft__fail(r->err, FT_ERR_FORMAT,
                            ft__gguf_place_of(&place, g->path, kv->key.data, kv->key.len),
                            "the key appears twice");
    }
    return FT_OK;
}

/* Bytes of a tensor with these dims, all of it checked; reader and writer agree by sharing it. */
static ft_status ft__gguf_tensor_size(int n_dims, const uint64_t *ne, uint32_t type,
                                      const char *place, uint64_t *size, ft_error *err) {
    uint32_t n_elements, n_bytes;
    uint64_t count = 1;
    if (n_dims < 1 || n_dims > FT__MAX_DIMS)
        return ft__fail(err, FT_ERR_FORMAT, place, "%d dimensions, expected 1 to %d", n_dims,
                        FT__MAX_DIMS);
    if (!ft__format_block(type, &n_elements, &n_bytes))
        return ft__fail(err, FT_ERR_UNSUPPORTED, place, "unknown tensor type %u", type);
    for (int i = 0; i < n_dims; i++)
        if (ne[i] == 0 || !ft__mul_u64(count, ne[i], &count) || count > INT64_MAX)
            return ft__fail(err, FT_ERR_FORMAT, place, "dimension %d of %d is %llu: %s", i + 1,
                            n_dims, (unsigned long long)ne[i],
                            ne[i] ? "too many elements" : "no elements");
    if (ne[0] % n_elements)
        return ft__fail(err, FT_ERR_FORMAT, place,
                        "rows of %llu elements, expected a multiple of %u",
                        (unsigned long long)ne[0], n_elements);
    if (!ft__mul_u64(count / n_elements, n_bytes, size))
        return ft__fail(err, FT_ERR_FORMAT, place, "too many bytes");
    return FT_OK;
}

static uint32_t ft__gguf_hash(const char *name) { /* FNV-1a */
    uint32_t hash = 2166136261u;
    for (; *name; name++) hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash;
}

/* The slot that holds the number (counted from 1) of the tensor called `name`, or the free one
   where it belongs.  At most half of the slots are taken. */
static uint32_t *ft__gguf_slot(const ft__gguf *g, const char *name) {
    size_t i = ft__gguf_hash(name) & (g->index_size - 1);
    while (g->index[i] && strcmp(g->tensors[g->index[i] - 1].name, name) != 0)
        i = (i + 1) & (g->index_size - 1);
    return &g->index[i];
}

/* One tensor info, all but its place in the file: t->offset still counts from the data section. */
static ft_status ft__gguf_read_info(ft__gguf_reader *r, ft__gguf_tensor *t) {
    ft__gguf_place place;
    ft__gguf_str name = {NULL, 0};
    uint32_t n_dims = 0;
    ft_status status = ft__gguf_read_name(r, "a tensor's name", FT__GGUF_MAX_NAME, &name);
    if (!status) status = ft__gguf_read_u32(r, "a tensor's shape", &n_dims);
    if (status) return status;
    ft__gguf_place_of(&place, r->g->path, name.data, name.len);
    if (n_dims < 1 || n_dims > FT__MAX_DIMS)
        return ft__fail(r->err, FT_ERR_FORMAT, place.text, "%u dimensions, expected 1 to %d",
                        n_dims, FT__MAX_DIMS);
    t->n_dims = (int)n_dims;
    for (int i = 0; i < FT__MAX_DIMS; i++) t->ne[i] = 1;
    for (int i = 0; !status && i < t->n_dims; i++)
        status = ft__gguf_read_u64(r, "a tensor's shape", &t->ne[i]);
    if (!status) status = ft__gguf_read_u32(r, "a tensor's type", &t->type);
    if (!status) status = ft__gguf_read_u64(r, "a tensor's offset", &t->offset);
    if (!status)
        status = ft__gguf_tensor_size(t->n_dims, t->ne, t->type, place.text, &t->size, r->err);
    if (status) return status;
    t->name = ft__arena_text(&r->g->arena, name.data, name.len);
    return t->name ? FT_OK : ft__fail_memory(r->err);
}

static ft_status ft__gguf_read_infos(ft__gguf_reader *r, size_t n) {
    ft__gguf *g = r->g;
    ft__gguf_place place;
    for (g->index_size = 16; g->index_size < 2 * n;) g->index_size *= 2;
    g->tensors = (ft__gguf_tensor *)ft__arena_alloc(&g->arena, n, sizeof *g->tensors);
    g->index = (uint32_t *)ft__arena_alloc(&g->arena, g->index_size, sizeof *g->index);
    if (!g->tensors || !g->index) return ft__fail_memory(r->err);
    while (g->n_tensors < n) {
        ft__gguf_tensor *t = &g->tensors[g->n_tensors];
        ft_status status = ft__gguf_read_info(r, t);
        if (status) return status;
        uint32_t *slot = ft__gguf_slot(g, t->name);
        if (*slot)
            return ft__fail(r->err, FT_ERR_FORMAT,
                            ft__gguf_place_of(&place, g->path, t->name, strlen(t->name)),
                            "the tensor appears twice");
        *slot = (uint32_t)++g->n_tensors;
    }
    return FT_OK;
}

/* Turns offsets into places in the file, now that it is known where the data section begins. */
static ft_status ft__gguf_place_tensors(ft__gguf_reader *r) {
    ft__gguf *g = r->g;
    ft__gguf_place place;
    uint64_t start = ((uint64_t)r->at + g->alignment - 1) / g->alignment * g->alignment;
    for (size_t i = 0; i < g->n_tensors; i++) {
        ft__gguf_tensor *t = &g->tensors[i];
        ft__gguf_place_of(&place, g->path, t->name, strlen(t->name));
        if (t->offset % g->alignment)
            return ft__fail(r->err, FT_ERR_FORMAT, place.text,
                            "offset %llu, expected a multiple of %u",
                            (unsigned long long)t->offset, g->alignment);
        if (start > g->file.size || t->offset > g->file.size - start ||
            t->size > g->file.size - start - t->offset)
            return ft__fail(r->err, FT_ERR_FORMAT, place.text,
                            "%llu bytes at offset %llu reach past the end of the file "
                            "(data begins at %llu, the file has %zu bytes)",
                            (unsigned long long)t->size, (unsigned long long)t->offset,
                            (unsigned long long)start, g->file.size);
        t->offset += start;
        t->data = g->file.data + t->offset;
    }
    return FT_OK;
}

/* Keys that concern the container itself. */
static ft_status ft__gguf_read_settings(ft__gguf_reader *r) {
    ft__gguf *g = r->g;
    ft__gguf_place place;
    int64_t alignment = FT__GGUF_ALIGNMENT, n_files = 1;
    static const char align_key[] = "general.alignment", split_key[] = "split.count";
    ft_status status = ft__gguf_int(g, align_key, 1, FT__GGUF_MAX_ALIGNMENT, &alignment, r->err);
    if (!status) status = ft__gguf_int(g, split_key, 0, INT64_MAX, &n_files, r->err);
    if (status) return status;
    if (alignment & (alignment - 1))
        return ft__fail(r->err, FT_ERR_FORMAT,
                        ft__gguf_place_of(&place, g->path, align_key, sizeof align_key - 1),
                        "must be a power of two, found %lld", (long long)alignment);
    if (n_files > 1)
        return ft__fail(r->err, FT_ERR_UNSUPPORTED,
                        ft__gguf_place_of(&place, g->path, split_key, sizeof split_key - 1),
                        "the model is split over %lld files; join them into one",
                        (long long)n_files);
    g->alignment = (uint32_t)alignment;
    return FT_OK;
}

static ft_status ft__gguf_check_version(const ft__gguf_reader *r) {
    uint32_t version = r->g->version;
    if (version == 2 || version == 3) return FT_OK;
    bool swapped = version && (version & 0xFFFFu) == 0;
    return ft__fail(r->err, FT_ERR_UNSUPPORTED, r->g->path, "%s %u, expected GGUF version 2 or 3",
                    swapped ? "a big-endian file of version" : "version",
                    swapped ? version >> 24 | (version >> 8 & 0xFF00u) : version);
}

/* A count from the head: each item takes at least `least` bytes, so the file bounds it. */
static ft_status ft__gguf_read_count(ft__gguf_reader *r, const char *what, uint64_t least,
                                     uint64_t most, uint64_t *count) {
    ft_status status = ft__gguf_read_u64(r, "its head", count);
    if (status) return status;
    if (*count > ft__gguf_left(r) / least)
        return ft__fail(r->err, FT_ERR_FORMAT, r->g->path, "%llu %s in a file of %zu bytes",
                        (unsigned long long)*count, what, r->g->file.size);
    if (*count > most)
        return ft__fail(r->err, FT_ERR_LIMIT, r->g->path, "%llu %s, at most %llu are allowed",
                        (unsigned long long)*count, what, (unsigned long long)most);
    return FT_OK;
}

static ft_status ft__gguf_read(ft__gguf_reader *r) {
    uint64_t n_tensors = 0, n_kv = 0;
    const uint8_t *magic = ft__gguf_take(r, 4);
    if (!magic || memcmp(magic, "GGUF", 4) != 0)
        return ft__fail(r->err, FT_ERR_FORMAT, r->g->path, "not a GGUF file");
    ft_status status = ft__gguf_read_u32(r, "its head", &r->g->version);
    if (!status) status = ft__gguf_check_version(r);
    if (!status)
        status = ft__gguf_read_count(r, "tensors", FT__GGUF_MIN_INFO, FT__GGUF_MAX_TENSORS,
                                     &n_tensors);
    if (!status) status = ft__gguf_read_count(r, "keys", FT__GGUF_MIN_KV, FT__GGUF_MAX_KEYS, &n_kv);
    if (!status) status = ft__gguf_read_keys(r, (size_t)n_kv);
    if (!status) status = ft__gguf_read_settings(r);
    if (!status) status = ft__gguf_read_infos(r, (size_t)n_tensors);
    return status ? status : ft__gguf_place_tensors(r);
}

FT__PRIV ft_status ft__gguf_open(ft__gguf *g, const char *path, const ft_allocator *a,
                                 ft_error *err) {
    ft__gguf_reader r = {g, 0, err};
    memset(g, 0, sizeof *g);
    ft__arena_init(&g->arena, a);
    ft_status status = ft__map_file(path, &g->file, err);
    if (status) return status;
    g->path = ft__arena_text(&g->arena, path, strlen(path));
    status = g->path ? ft__gguf_read(&r) : ft__fail_memory(err);
    if (status) ft__gguf_close(g);
    return status;
}

FT__PRIV void ft__gguf_close(ft__gguf *g) {
    ft__unmap(&g->file);
    ft__arena_free(&g->arena);
    memset(g, 0, sizeof *g);
}

/* ---- asking */

FT__PRIV const ft__gguf_tensor *ft__gguf_find(const ft__gguf *g, const char *name) {
    uint32_t number = *ft__gguf_slot(g, name);
    return number ? &g->tensors[number - 1] : NULL;
}

FT__PRIV const ft__gguf_kv *ft__gguf_key(const ft__gguf *g, const char *key) {
    return ft__gguf_find_key(g, key, strlen(key));
}

/* Integers beyond int64_t saturate; floats are cut towards zero. */
FT__PRIV int64_t ft__gguf_int_at(const ft__gguf_kv *kv, uint64_t i) {
    if (i >= kv->count) return 0;
    const uint8_t *p = kv->data + i * ft__gguf_types[kv->element].size;
    int8_t i8;
    uint16_t u16;
    int16_t i16;
    uint32_t u32;
    int32_t i32;
    uint64_t u64;
    int64_t i64;
    double number;
    switch (kv->element) {
    case FT__GGUF_U8: return *p;
    case FT__GGUF_BOOL: return *p != 0;
    case FT__GGUF_I8: memcpy(&i8, p, sizeof i8); return i8;
    case FT__GGUF_U16: memcpy(&u16, p, sizeof u16); return u16;
    case FT__GGUF_I16: memcpy(&i16, p, sizeof i16); return i16;
    case FT__GGUF_U32: memcpy(&u32, p, sizeof u32); return u32;
    case FT__GGUF_I32: memcpy(&i32, p, sizeof i32); return i32;
    case FT__GGUF_I64: memcpy(&i64, p, sizeof i64); return i64;
    case FT__GGUF_U64:
        memcpy(&u64, p, sizeof u64);
        return u64 > INT64_MAX ? INT64_MAX : (int64_t)u64;
    default:
        number = ft__gguf_number_at(kv, i);
        if (number >= 9.2e18) return INT64_MAX;
        if (number <= -9.2e18) return INT64_MIN;
        return number == number ? (int64_t)number : 0;
    }
}

FT__PRIV double ft__gguf_number_at(const ft__gguf_kv *kv, uint64_t i) {
    if (i >= kv->count) return 0;
    const uint8_t *p = kv->data + i * ft__gguf_types[kv->element].size;
    float f32;
    double f64;
    uint64_t u64;
    switch (kv->element) {
    case FT__GGUF_F32: memcpy(&f32, p, sizeof f32); return (double)f32;
    case FT__GGUF_F64: memcpy(&f64, p, sizeof f64); return f64;
    case FT__GGUF_U64: memcpy(&u64, p, sizeof u64); return (double)u64;
    case FT__GGUF_STRING: case FT__GGUF_ARRAY: case FT__GGUF_TYPE_COUNT: return 0;
    default: return (double)ft__gguf_int_at(kv, i);
    }
}

static ft_status ft__gguf_wrong_type(const ft__gguf *g, const ft__gguf_kv *kv, const char *expected,
                                     ft_error *err) {
    ft__gguf_place place;
    ft__gguf_place_of(&place, g->path, kv->key.data, kv->key.len);
    return ft__fail(err, FT_ERR_FORMAT, place.text, "must be %s, found %s%s", expected,
                    kv->type == FT__GGUF_ARRAY ? "an array of " : "",
                    ft__gguf_types[kv->element].name);
}

FT__PRIV ft_status ft__gguf_int(const ft__gguf *g, const char *key, int64_t lowest, int64_t highest,
                                int64_t *value, ft_error *err) {
    const ft__gguf_kv *kv = ft__gguf_key(g, key);
    ft__gguf_place place;
    if (!kv) return FT_OK;
    if (ft__gguf_types[kv->type].kind != 'i') return ft__gguf_wrong_type(g, kv, "an integer", err);
    int64_t found = ft__gguf_int_at(kv, 0);
    if (found < lowest || found > highest)
        return ft__fail(err, FT_ERR_FORMAT, ft__gguf_place_of(&place, g->path, key, strlen(key)),
                        "must be %lld to %lld, found %lld", (long long)lowest, (long long)highest,
                        (long long)found);
    *value = found;
    return FT_OK;
}

FT__PRIV ft_status ft__gguf_float(const ft__gguf *g, const char *key, double *value,
                                  ft_error *err) {
    const ft__gguf_kv *kv = ft__gguf_key(g, key);
    ft__gguf_place place;
    if (!kv) return FT_OK;
    if (!ft__gguf_types[kv->type].kind) return ft__gguf_wrong_type(g, kv, "a number", err);
    double found = ft__gguf_number_at(kv, 0);
    if (!ft__finite(found))
        return ft__fail(err, FT_ERR_FORMAT, ft__gguf_place_of(&place, g->path, key, strlen(key)),
                        "must be a finite number");
    *value = found;
    return FT_OK;
}

FT__PRIV ft_status ft__gguf_bool(const ft__gguf *g, const char *key, bool *value, ft_error *err) {
    const ft__gguf_kv *kv = ft__gguf_key(g, key);
    if (!kv) return FT_OK;
    if (kv->type != FT__GGUF_BOOL) return ft__gguf_wrong_type(g, kv, "a bool", err);
    *value = *kv->data != 0;
    return FT_OK;
}

/* The string at *p, which moves past it; the reader has checked its length. */
static ft__gguf_str ft__gguf_next_string(const uint8_t **p) {
    ft__gguf_str text;
    uint64_t n;
    memcpy(&n, *p, sizeof n);
    text.data = (const char *)*p + sizeof n;
    text.len = (size_t)n;
    *p += sizeof n + text.len;
    return text;
}

FT__PRIV ft_status ft__gguf_string(const ft__gguf *g, const char *key, ft__gguf_str *value,
                                   ft_error *err) {
    const ft__gguf_kv *kv = ft__gguf_key(g, key);
    if (!kv) return FT_OK;
    if (kv->type != FT__GGUF_STRING) return ft__gguf_wrong_type(g, kv, "a string", err);
    const uint8_t *p = kv->data;
    *value = ft__gguf_next_string(&p);
    return FT_OK;
}

FT__PRIV ft_status ft__gguf_strings(ft__gguf *g, const ft__gguf_kv *kv, ft__gguf_str **strings,
                                    ft_error *err) {
    if (kv->type != FT__GGUF_ARRAY || kv->element != FT__GGUF_STRING)
        return ft__gguf_wrong_type(g, kv, "an array of strings", err);
    ft__gguf_str *all = (ft__gguf_str *)ft__arena_alloc(&g->arena, (size_t)kv->count, sizeof *all);
    if (!all) return ft__fail_memory(err);
    const uint8_t *p = kv->data;
    for (uint64_t i = 0; i < kv->count; i++) all[i] = ft__gguf_next_string(&p);
    *strings = all;
    return FT_OK;
}

/* ---- writing */

static void ft__gguf_put(ft__buf *b, const void *bytes, size_t n) {
    ft__buf_add(b, (const char *)bytes, n);
}

static void ft__gguf_put_u32(ft__buf *b, uint32_t value) { ft__gguf_put(b, &value, sizeof value); }
static void ft__gguf_put_u64(ft__buf *b, uint64_t value) { ft__gguf_put(b, &value, sizeof value); }

static void ft__gguf_put_text(ft__buf *b, const char *text, size_t n) {
    ft__gguf_put_u64(b, n);
    ft__buf_add(b, text, n);
}

static void ft__gguf_put_key(ft__gguf_writer *w, const char *key, ft__gguf_type type) {
    ft__gguf_put_text(&w->kv, key, strlen(key));
    ft__gguf_put_u32(&w->kv, (uint32_t)type);
    w->n_kv++;
}

static void ft__gguf_put_array(ft__gguf_writer *w, const char *key, ft__gguf_type element,
                               size_t n) {
    ft__gguf_put_key(w, key, FT__GGUF_ARRAY);
    ft__gguf_put_u32(&w->kv, (uint32_t)element);
    ft__gguf_put_u64(&w->kv, n);
}

FT__PRIV ft_status ft__gguf_write_begin(ft__gguf_writer *w, const char *path, const ft_allocator *a,
                                        ft_error *err) {
    memset(w, 0, sizeof *w);
    w->allocator = ft__allocator(a);
    ft__buf_init(&w->kv, a);
    ft__buf_init(&w->infos, a);
    return ft__writer_open(&w->file, path, a, err);
}

FT__PRIV void ft__gguf_write_u32(ft__gguf_writer *w, const char *key, uint32_t value) {
    ft__gguf_put_key(w, key, FT__GGUF_U32);
    ft__gguf_put_u32(&w->kv, value);
}

FT__PRIV void ft__gguf_write_f32(ft__gguf_writer *w, const char *key, float value) {
    ft__gguf_put_key(w, key, FT__GGUF_F32);
    ft__gguf_put(&w->kv, &value, sizeof value);
}

FT__PRIV void ft__gguf_write_bool(ft__gguf_writer *w, const char *key, bool value) {
    ft__gguf_put_key(w, key, FT__GGUF_BOOL);
    ft__buf_byte(&w->kv, value ? 1 : 0);
}

FT__PRIV void ft__gguf_write_string(ft__gguf_writer *w, const char *key, const char *text) {
    ft__gguf_put_key(w, key, FT__GGUF_STRING);
    ft__gguf_put_text(&w->kv, text, strlen(text));
}

FT__PRIV void ft__gguf_write_strings(ft__gguf_writer *w, const char *key, const char *const *texts,
                                     size_t n) {
    ft__gguf_put_array(w, key, FT__GGUF_STRING, n);
    for (size_t i = 0; i < n; i++) ft__gguf_put_text(&w->kv, texts[i], strlen(texts[i]));
}

FT__PRIV void ft__gguf_write_f32s(ft__gguf_writer *w, const char *key, const float *values,
                                  size_t n) {
    ft__gguf_put_array(w, key, FT__GGUF_F32, n);
    ft__gguf_put(&w->kv, values, n * sizeof *values);
}

FT__PRIV void ft__gguf_write_i32s(ft__gguf_writer *w, const char *key, const int32_t *values,
                                  size_t n) {
    ft__gguf_put_array(w, key, FT__GGUF_I32, n);
    ft__gguf_put(&w->kv, values, n * sizeof *values);
}

FT__PRIV void ft__gguf_write_kv(ft__gguf_writer *w, const ft__gguf_kv *kv) {
    const uint8_t *end = kv->data;
    ft__gguf_put_text(&w->kv, kv->key.data, kv->key.len);
    ft__gguf_put_u32(&w->kv, (uint32_t)kv->type);
    if (kv->type == FT__GGUF_ARRAY) {
        ft__gguf_put_u32(&w->kv, (uint32_t)kv->element);
        ft__gguf_put_u64(&w->kv, kv->count);
    }
    if (kv->element == FT__GGUF_STRING)
        for (uint64_t i = 0; i < kv->count; i++) (void)ft__gguf_next_string(&end);
    else
        end += kv->count * ft__gguf_types[kv->element].size;
    ft__gguf_put(&w->kv, kv->data, (size_t)(end - kv->data));
    w->n_kv++;
}

FT__PRIV ft_status ft__gguf_write_tensor(ft__gguf_writer *w, const char *name, int n_dims,
                                         const uint64_t *ne, uint32_t type, ft_error *err) {
    ft__gguf_place place;
    size_t n = strlen(name);
    uint64_t size, end;
    ft__gguf_place_of(&place, w->file.path, name, n);
    if (w->head_written)
        return ft__fail(err, FT_ERR_ARGUMENT, place.text,
                        "a tensor declared after data was written");
    if (n < 1 || n > FT__GGUF_MAX_NAME)
        return ft__fail(err, FT_ERR_ARGUMENT, place.text, "a name of %zu bytes, expected 1 to %d",
                        n, FT__GGUF_MAX_NAME);
    ft_status status = ft__gguf_tensor_size(n_dims, ne, type, place.text, &size, err);
    if (status) return status;
    if (!ft__add_u64(w->next_offset, size, &end) || !ft__add_u64(end, FT__GGUF_ALIGNMENT - 1, &end))
        return ft__fail(err, FT_ERR_FORMAT, place.text, "too many bytes");
    if (!ft__grow(&w->allocator, (void **)&w->sizes, &w->cap_sizes, (size_t)w->n_tensors + 1,
                  sizeof *w->sizes))
        return ft__fail_memory(err);
    ft__gguf_put_text(&w->infos, name, n);
    ft__gguf_put_u32(&w->infos, (uint32_t)n_dims);
    for (int i = 0; i < n_dims; i++) ft__gguf_put_u64(&w->infos, ne[i]);
    ft__gguf_put_u32(&w->infos, type);
    ft__gguf_put_u64(&w->infos, w->next_offset);
    w->sizes[w->n_tensors++] = size;
    w->next_offset = end / FT__GGUF_ALIGNMENT * FT__GGUF_ALIGNMENT;
    return FT_OK;
}

/* Zero bytes up to the next multiple of the alignment after n bytes. */
static ft_status ft__gguf_write_padding(ft__gguf_writer *w, uint64_t n, ft_error *err) {
    static const char zeros[FT__GGUF_ALIGNMENT] = {0};
    size_t over = (size_t)(n % FT__GGUF_ALIGNMENT);
    return over ? ft__writer_add(&w->file, zeros, FT__GGUF_ALIGNMENT - over, err) : FT_OK;
}

static ft_status ft__gguf_write_head(ft__gguf_writer *w, ft_error *err) {
    char head[24];
    uint32_t version = 3;
    if (w->kv.failed || w->infos.failed) return ft__fail_memory(err);
    memcpy(head, "GGUF", 4);
    memcpy(head + 4, &version, sizeof version);
    memcpy(head + 8, &w->n_tensors, sizeof w->n_tensors);
    memcpy(head + 16, &w->n_kv, sizeof w->n_kv);
    ft_status status = ft__writer_add(&w->file, head, sizeof head, err);
    if (!status) status = ft__writer_add(&w->file, w->kv.data, w->kv.len, err);
    if (!status) status = ft__writer_add(&w->file, w->infos.data, w->infos.len, err);
    if (!status) status = ft__gguf_write_padding(w, sizeof head + w->kv.len + w->infos.len, err);
    w->head_written = true;
    return status;
}

FT__PRIV ft_status ft__gguf_write_data(ft__gguf_writer *w, const void *bytes, size_t n,
                                       ft_error *err) {
    if (w->n_written == w->n_tensors)
        return ft__fail(err, FT_ERR_ARGUMENT, w->file.path,
                        "data for tensor %llu, but %llu are declared",
                        (unsigned long long)w->n_written + 1, (unsigned long long)w->n_tensors);
    if (n != w->sizes[w->n_written])
        return ft__fail(err, FT_ERR_ARGUMENT, w->file.path,
                        "%zu bytes for tensor %llu, which was declared with %llu", n,
                        (unsigned long long)w->n_written + 1,
                        (unsigned long long)w->sizes[w->n_written]);
    ft_status status = w->head_written ? FT_OK : ft__gguf_write_head(w, err);
    if (!status) status = ft__writer_add(&w->file, bytes, n, err);
    if (!status) status = ft__gguf_write_padding(w, n, err);
    w->n_written++;
    return status;
}

FT__PRIV ft_status ft__gguf_write_end(ft__gguf_writer *w, ft_error *err) {
    ft_status status = FT_OK;
    if (w->n_written != w->n_tensors)
        status = ft__fail(err, FT_ERR_ARGUMENT, w->file.path,
                          "data for %llu of %llu declared tensors",
                          (unsigned long long)w->n_written, (unsigned long long)w->n_tensors);
    else if (!w->head_written)
        status = ft__gguf_write_head(w, err);
    if (!status) status = ft__writer_commit(&w->file, err);
    ft__gguf_write_abort(w); /* after a commit there is only memory left to give back */
    return status;
}

FT__PRIV void ft__gguf_write_abort(ft__gguf_writer *w) {
    if (w->file.path) ft__writer_abort(&w->file);
    ft__buf_free(&w->kv);
    ft__buf_free(&w->infos);
    ft__free(&w->allocator, w->sizes);
    w->sizes = NULL;
}
/* ---- end src/io/gguf.c */
/* ---- begin src/num/quant.c */
/* The table of tensor formats: every type id a GGUF file may name, what a block of it takes, and,
   for those that ft computes with, how to turn a row into floats and back.  A new format is a new
   row.

   A block format stores `n_elements` neighbours of a row as small integers with one scale.
   Decoding is exact in its order: integer to float, then one product.  Encoders round the scale to
   its stored form first and then choose the integers for that, so they never aim at a scale the
   file lacks. */
/* ---- begin src/num/num.h */
/* Floor 2: numbers.  The formats that weights are stored in, and the kernels that work on them. */
#ifndef FT__NUM_H
#define FT__NUM_H


/* ---- quant: num/quant.c.  The table of tensor formats, one row each. */

/* Tensor type ids of the container, for the formats that ft reads the values of. */
enum {
    FT__FORMAT_F32 = 0, FT__FORMAT_F16 = 1, FT__FORMAT_Q4_0 = 2, FT__FORMAT_Q8_0 = 8,
    FT__FORMAT_Q4_K = 12, FT__FORMAT_Q6_K = 14, FT__FORMAT_BF16 = 30
};

/* n counts elements and is a multiple of n_elements; blocks need no alignment. */
typedef struct ft__format {
    uint32_t id;
    const char *name;     /* "Q4_0" */
    uint32_t n_elements;  /* per block, along the row */
    uint32_t n_bytes;     /* per block */
    void (*decode)(const void *blocks, size_t n, float *out); /* NULL: only the size is known */
    void (*encode)(const float *in, size_t n, void *blocks);  /* NULL: none */
} ft__format;
FT__PRIV const ft__format *ft__format_find(uint32_t id); /* NULL: unknown */

/* ---- kernels: num/kern_scalar.c is the reference; its twins per instruction set give the same bits;
   num/kernels.c fills the table. */

enum {
    FT__BLOCK = 32,        /* inputs that share one activation scale */
    FT__CHUNK = 512,       /* inputs whose blocks go into one accumulator */
    FT__PARTIALS = 64,     /* partial sums of a float reduction */
    FT__TILE = 64,         /* keys per attention tile, and per page of the cache */
    FT__SPAN = 1024,       /* positions per separately normalised stretch of attention */
    FT__FORMATS = 64,      /* ids of the format table are below this */
    FT__LANES = 16,        /* rows that packed weights interleave */
    FT__TILE_TOKENS = 6,   /* tokens whose activations packed weights meet together */
    FT__TILE_TOKEN_BYTES = 52 /* of a token in a block of such a tile */
};

/* Activations of a batch, row-major.  Float weights take the floats.  Quantised weights take the int8
   form: as rows where they lie as in the file, as tiles where they are packed.

   A tile holds n_t = 6 tokens (the last one what is left), block after block; per block
       int32 q[8][n_t]        quads of int8 inputs
       float scale[n_t]
       float sum[n_t]         of the int8 inputs
       int32 start[3][n_t]    -8 times the sum over all 32, the first 16, the last 16 */
typedef struct ft__acts {
    int n_tokens, n_cols;
    const float *x;       /* (n_tokens, n_cols) */
    const int8_t *q;      /* (n_tokens, n_cols), or NULL where no weight needs it */
    const float *scale;   /* (n_tokens, n_cols / 32) */
    const uint8_t *tiles; /* or NULL */
} ft__acts;

/* Rows of weights times all tokens: out[t * ld + r], r < n_rows. */
typedef void ft__rows_fn(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                         float *out, size_t ld);
/* The same for groups of 16 packed rows: writes 16 * n_groups outputs per token. */
typedef void ft__packed_fn(const uint8_t *w, size_t group_bytes, int n_groups, const ft__acts *a,
                           float *out, size_t ld);

typedef struct ft__kernels {
    ft__isa isa;
    ft__rows_fn *rows[FT__FORMATS];     /* by format id; NULL: weights of that format cannot run */
    ft__packed_fn *packed[FT__FORMATS]; /* NULL: they stay as the file has them */
    /* x (n), n a multiple of 32, to int8 and a scale per block */
    void (*quantize)(const float *x, int n, int8_t *q, float *scale);
    /* a tile of n tokens from their rows: q (n, n_cols), scale (n, n_cols / 32); see ft__acts */
    void (*tile)(const int8_t *q, const float *scale, int n_cols, int n, uint8_t *tile);
    float (*sum_squares)(const float *x, int n);
    void (*add)(float *x, const float *y, int n);                                     /* x += y */
    void (*scale)(float *out, const float *x, float factor, const float *weight, int n); /* (x factor) weight,
                                                                           or x factor if weight is NULL */
    /* neighbouring pairs (a, b) -> (a cos - b sin, a sin + b cos); cs: cos, sin by turns; n even */
    void (*rope)(float *x, const float *cs, int n);
    float (*max)(const float *x, int n, float max); /* the largest of n numbers and max */
    /* out[t * ld + r] += factor * sum over k of low[t][k] b[k][r]; b (rank, n_out), low (n_tokens, rank) */
    void (*low_rank)(const float *b, int rank, int n_out, const float *low, int n_tokens, float factor,
                     float *out, size_t ld);
    /* s[h][j] = scale * sum over d of q[h][d] k[d][j]; q (n_q, head_dim), k (head_dim, 64), s (n_q, 64) */
    void (*scores)(const float *q, int n_q, const float *k, int head_dim, float scale, float *s);
    /* s[j] = exp(s[j] - max) for lo <= j < hi, else 0; returns their sum */
    float (*softmax)(float s[64], int lo, int hi, float max);
    /* o[h][d] = o[h][d] + p[h][j] v[j][d] for lo <= j < hi ascending; o (n_q, head_dim), v (64, head_dim) */
    void (*values)(float *o, int n_q, const float *p, const float *v, int lo, int hi, int head_dim);
    void (*widen)(const uint16_t *half, float *out, int n); /* F16 to F32 */
    void (*silu_mul)(float *gate, const float *up, int n); /* gate = silu(gate) * up */
} ft__kernels;
/* Fills the table for this machine, or for the path that FT_ISA names. */
FT__PRIV ft_status ft__kernels_choose(ft__kernels *k, ft_error *err);
/* Each puts its own functions into the table and leaves the rest as it is. */
FT__PRIV void ft__kernels_scalar(ft__kernels *k);
FT__PRIV void ft__kernels_avx2(ft__kernels *k);
FT__PRIV void ft__kernels_avx512(ft__kernels *k);
FT__PRIV void ft__kernels_neon(ft__kernels *k);
FT__PRIV void ft__kernels_dotprod(ft__kernels *k);

/* ---- matmul: num/matmul.c */

/* A matrix of weights: rows of outputs, columns of inputs. */
typedef struct ft__matrix {
    const ft__format *format; /* NULL: absent */
    const uint8_t *data;      /* as the file has it */
    const uint8_t *packed;    /* as pack.c lays it out, or NULL */
    int n_rows, n_cols;
    size_t row_bytes;
} ft__matrix;

/* out[t * ld + r] = row r . token t (+ bias[r] if given), shared out over the pool by rows. */
FT__PRIV void ft__matmul(ft__pool *pool, const ft__kernels *k, const ft__matrix *w,
                         const float *bias, const ft__acts *a, float *out, size_t ld);
/* kernels.low_rank with the tokens shared out over the pool; out is (n_tokens, n_out). */
FT__PRIV void ft__low_rank(ft__pool *pool, const ft__kernels *k, const float *b, int rank, int n_out,
                           const float *low, int n_tokens, float factor, float *out);
/* out = x / sqrt(mean(x^2) + eps) * weight, each (n); weight may be NULL. */
FT__PRIV void ft__rms_norm(const ft__kernels *k, const float *x, const float *weight, float eps,
                           int n, float *out);

/* ---- pack: num/pack.c */

/* Bytes of a group of 16 rows per block of 32 inputs: of codes, and of scales.  Inline, because the kernels
   know the format when they are compiled. */
static inline size_t ft__pack_code_bytes(int format) {
    return format == FT__FORMAT_Q8_0 ? 512 : format == FT__FORMAT_Q6_K ? 384 : 256;
}
static inline size_t ft__pack_scale_bytes(int format) {
    return format == FT__FORMAT_Q4_K ? 40 : format == FT__FORMAT_Q6_K ? 36 : 32;
}

/* Bytes of 16 rows in the packed layout; 0 if the format has none. */
FT__PRIV size_t ft__pack_group_bytes(const ft__matrix *w);
/* Packs all rows into out: (n_rows / 16, rounded up) groups, 64-byte aligned. */
FT__PRIV void ft__pack(ft__pool *pool, const ft__matrix *w, uint8_t *out);

/* ---- attention: num/attention.c */

enum { FT__ATTENTION_TOKENS = 16 }; /* tokens that meet a tile together */

/* A layer's shape, the same for all its tokens. */
typedef struct ft__attention {
    int n_heads, n_kv_heads, head_dim;
    float scale;
    ft_kv_type type;    /* of keys and values in the pages */
    size_t page_offset; /* bytes from a page's start to this layer's first head */
    int window;         /* positions that a token sees, itself included; 0 = all */
} ft__attention;

/* Bytes of one head's keys and values in a page: keys (head_dim, 64), then values (64, head_dim); Q8_0 has
   float scales behind each: (groups, 64) of the keys, (64, groups) of the values. */
FT__PRIV size_t ft__attention_head_bytes(const ft__attention *a);
/* Floats that one thread needs for ft__attend. */
FT__PRIV size_t ft__attention_scratch(const ft__attention *a);
/* Puts one token's key and value (n_kv_heads, head_dim) at its position; false if the type cannot
   hold one. */
FT__PRIV bool ft__attention_store(const ft__attention *a, uint8_t *const *pages, int position,
                                  const float *k, const float *v);
/* Output of the query heads that share KV head `kv_head`, for n (<= 16) tokens of one sequence at
   positions first .. first + n - 1; q and out are (n, n_heads, head_dim).  A token sees the positions up to
   its own, as far back as the window reaches. */
FT__PRIV void ft__attend(const ft__kernels *k, const ft__attention *a, uint8_t *const *pages, int first,
                         int n, int kv_head, const float *q, float *out, float *scratch);

#endif /* FT__NUM_H */
/* ---- end src/num/num.h */

static uint16_t ft__quant_u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

static void ft__quant_put_u16(uint8_t *p, uint16_t value) {
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static void ft__quant_decode_f32(const void *blocks, size_t n, float *out) {
    memcpy(out, blocks, n * sizeof *out);
}

static void ft__quant_encode_f32(const float *in, size_t n, void *blocks) {
    memcpy(blocks, in, n * sizeof *in);
}

static void ft__quant_decode_f16(const void *blocks, size_t n, float *out) {
    const uint8_t *p = (const uint8_t *)blocks;
    for (size_t i = 0; i < n; i++) out[i] = ft__f16_to_f32(ft__quant_u16(p + 2 * i));
}

static void ft__quant_encode_f16(const float *in, size_t n, void *blocks) {
    uint8_t *p = (uint8_t *)blocks;
    for (size_t i = 0; i < n; i++) ft__quant_put_u16(p + 2 * i, ft__f32_to_f16(in[i]));
}

static void ft__quant_decode_bf16(const void *blocks, size_t n, float *out) {
    const uint8_t *p = (const uint8_t *)blocks;
    for (size_t i = 0; i < n; i++) out[i] = ft__bf16_to_f32(ft__quant_u16(p + 2 * i));
}

static void ft__quant_encode_bf16(const float *in, size_t n, void *blocks) {
    uint8_t *p = (uint8_t *)blocks;
    for (size_t i = 0; i < n; i++) ft__quant_put_u16(p + 2 * i, ft__f32_to_bf16(in[i]));
}

/* The element of 32 that is farthest from zero, with its sign. */
static float ft__quant_extreme(const float *in) {
    float found = 0, most = 0;
    for (int i = 0; i < 32; i++) {
        float size = in[i] < 0 ? -in[i] : in[i];
        if (size > most) most = size, found = in[i];
    }
    return found;
}

/* Stores a block's scale and returns what was stored; beyond F16 it saturates. */
static float ft__quant_put_scale(uint8_t *p, float scale) {
    if (scale > 65504.0f) scale = 65504.0f;
    if (scale < -65504.0f) scale = -65504.0f;
    uint16_t half = ft__f32_to_f16(scale);
    ft__quant_put_u16(p, half);
    return ft__f16_to_f32(half);
}

/* x / scale to the nearest integer, half to even, within the limits; the lowest for a NaN. */
static int ft__quant_nearest(float x, float scale, int lowest, int highest) {
    const float shift = 12582912.0f; /* 1.5 * 2^23: the sum has no room for a fraction */
    float q = scale != 0 ? x / scale : 0;
    if (!(q > (float)lowest)) return lowest;
    if (q >= (float)highest) return highest;
    return (int)((q + shift) - shift);
}

/* Q8_0: f16 scale, 32 int8. */
static void ft__quant_decode_q8_0(const void *blocks, size_t n, float *out) {
    const uint8_t *p = (const uint8_t *)blocks;
    for (size_t i = 0; i < n; i += 32, p += 34) {
        float scale = ft__f16_to_f32(ft__quant_u16(p));
        for (int j = 0; j < 32; j++) out[i + j] = (float)(int8_t)p[2 + j] * scale;
    }
}

static void ft__quant_encode_q8_0(const float *in, size_t n, void *blocks) {
    uint8_t *p = (uint8_t *)blocks;
    for (size_t i = 0; i < n; i += 32, p += 34) {
        float extreme = ft__quant_extreme(in + i);
        float scale = ft__quant_put_scale(p, (extreme < 0 ? -extreme : extreme) / 127.0f);
        for (int j = 0; j < 32; j++)
            p[2 + j] = (uint8_t)ft__quant_nearest(in[i + j], scale, -127, 127);
    }
}

/* Q4_0: f16 scale, 16 bytes; byte j holds elements j (low four bits) and j + 16, each plus 8. */
static void ft__quant_decode_q4_0(const void *blocks, size_t n, float *out) {
    const uint8_t *p = (const uint8_t *)blocks;
    for (size_t i = 0; i < n; i += 32, p += 18) {
        float scale = ft__f16_to_f32(ft__quant_u16(p));
        for (int j = 0; j < 16; j++) {
            out[i + j] = (float)((p[2 + j] & 15) - 8) * scale;
            out[i + j + 16] = (float)((p[2 + j] >> 4) - 8) * scale;
        }
    }
}

/* The integers reach from -8 to 7, so the scale's sign puts the extreme element at -8. */
static void ft__quant_encode_q4_0(const float *in, size_t n, void *blocks) {
    uint8_t *p = (uint8_t *)blocks;
    for (size_t i = 0; i < n; i += 32, p += 18) {
        float scale = ft__quant_put_scale(p, ft__quant_extreme(in + i) / -8.0f);
        for (int j = 0; j < 16; j++) {
            int low = ft__quant_nearest(in[i + j], scale, -8, 7) + 8;
            int high = ft__quant_nearest(in[i + j + 16], scale, -8, 7) + 8;
            p[2 + j] = (uint8_t)(low | high << 4);
        }
    }
}

/* Q4_K: 256 elements; f16 scale and minimum, 8 six-bit scales and minimums in 12 bytes, 128 bytes of
   nibbles: group 2g of 32 in the low ones of 32 bytes, group 2g + 1 in the high ones. */
static void ft__quant_decode_q4_k(const void *blocks, size_t n, float *out) {
    const uint8_t *p = (const uint8_t *)blocks;
    for (size_t i = 0; i < n; i += 256, p += 144) {
        const uint8_t *s = p + 4;
        float d = ft__f16_to_f32(ft__quant_u16(p)), d_min = ft__f16_to_f32(ft__quant_u16(p + 2));
        for (int g = 0; g < 8; g++) {
            int sc = g < 4 ? s[g] & 63 : (s[g + 4] & 15) | (s[g - 4] >> 6) << 4;
            int mn = g < 4 ? s[g + 4] & 63 : s[g + 4] >> 4 | (s[g] >> 6) << 4;
            float scale = d * (float)sc, min = d_min * (float)mn;
            for (int l = 0; l < 32; l++) {
                int code = p[16 + 32 * (g / 2) + l] >> (g % 2 ? 4 : 0) & 15;
                out[i + (size_t)(32 * g + l)] = scale * (float)code - min;
            }
        }
    }
}

/* Q6_K: 256 elements; 128 bytes of low nibbles, 64 bytes of upper two bits, 16 int8 scales, f16 scale.
   In each half of 128, bytes 0..31 hold elements 0..31 (low) and 64..95 (high), bytes 32..63 the others;
   the upper bits of all four lie in one byte. */
static void ft__quant_decode_q6_k(const void *blocks, size_t n, float *out) {
    const uint8_t *p = (const uint8_t *)blocks;
    for (size_t i = 0; i < n; i += 256, p += 210) {
        float scale = ft__f16_to_f32(ft__quant_u16(p + 208));
        for (int j = 0; j < 256; j++) {
            int half = j / 128, quarter = j / 32 % 4, l = j % 32;
            int low = p[64 * half + 32 * (quarter % 2) + l] >> (quarter < 2 ? 0 : 4) & 15;
            int high = p[128 + 32 * half + l] >> (2 * quarter) & 3;
            float factor = scale * (float)(int8_t)p[192 + j / 16];
            out[i + (size_t)j] = factor * (float)((low | high << 4) - 32);
        }
    }
}

static const ft__format ft__quant_formats[] = {
    {FT__FORMAT_F32, "F32", 1, 4, ft__quant_decode_f32, ft__quant_encode_f32},
    {FT__FORMAT_F16, "F16", 1, 2, ft__quant_decode_f16, ft__quant_encode_f16},
    {FT__FORMAT_Q4_0, "Q4_0", 32, 18, ft__quant_decode_q4_0, ft__quant_encode_q4_0},
    {3, "Q4_1", 32, 20, NULL, NULL},
    {6, "Q5_0", 32, 22, NULL, NULL},
    {7, "Q5_1", 32, 24, NULL, NULL},
    {FT__FORMAT_Q8_0, "Q8_0", 32, 34, ft__quant_decode_q8_0, ft__quant_encode_q8_0},
    {10, "Q2_K", 256, 84, NULL, NULL},
    {11, "Q3_K", 256, 110, NULL, NULL},
    {FT__FORMAT_Q4_K, "Q4_K", 256, 144, ft__quant_decode_q4_k, NULL},
    {13, "Q5_K", 256, 176, NULL, NULL},
    {FT__FORMAT_Q6_K, "Q6_K", 256, 210, ft__quant_decode_q6_k, NULL},
    {16, "IQ2_XXS", 256, 66, NULL, NULL},
    {17, "IQ2_XS", 256, 74, NULL, NULL},
    {18, "IQ3_XXS", 256, 98, NULL, NULL},
    {19, "IQ1_S", 256, 50, NULL, NULL},
    {20, "IQ4_NL", 32, 18, NULL, NULL},
    {21, "IQ3_S", 256, 110, NULL, NULL},
    {22, "IQ2_S", 256, 82, NULL, NULL},
    {23, "IQ4_XS", 256, 136, NULL, NULL},
    {24, "I8", 1, 1, NULL, NULL},
    {25, "I16", 1, 2, NULL, NULL},
    {26, "I32", 1, 4, NULL, NULL},
    {27, "I64", 1, 8, NULL, NULL},
    {28, "F64", 1, 8, NULL, NULL},
    {29, "IQ1_M", 256, 56, NULL, NULL},
    {FT__FORMAT_BF16, "BF16", 1, 2, ft__quant_decode_bf16, ft__quant_encode_bf16},
    {34, "TQ1_0", 256, 54, NULL, NULL},
    {35, "TQ2_0", 256, 66, NULL, NULL},
    {39, "MXFP4", 32, 17, NULL, NULL},
    {40, "NVFP4", 64, 36, NULL, NULL},
    {41, "Q1_0", 128, 18, NULL, NULL},
    {42, "Q2_0", 64, 18, NULL, NULL},
};

FT__PRIV const ft__format *ft__format_find(uint32_t id) {
    for (size_t i = 0; i < FT__COUNT(ft__quant_formats); i++)
        if (ft__quant_formats[i].id == id) return &ft__quant_formats[i];
    return NULL;
}

FT__PRIV bool ft__format_block(uint32_t type, uint32_t *n_elements, uint32_t *n_bytes) {
    const ft__format *format = ft__format_find(type);
    if (!format) return false;
    *n_elements = format->n_elements;
    *n_bytes = format->n_bytes;
    return true;
}
/* ---- end src/num/quant.c */
/* ---- begin src/num/kern_scalar.c */
/* The reference kernels: the arithmetic contract (see the manual in ft.h) in plain C, one operation at a
   time.  Every other instruction set repeats these functions bit for bit, and the tests compare. */

#define FT__SCALAR_MAGIC 12582912.0f /* 1.5 * 2^23: adding it rounds to an integer, half to even */

static uint32_t ft__scalar_amax_bits(const float *x) {
    uint32_t most = 0; /* compared as integers, so that a NaN counts as the largest */
    for (int i = 0; i < FT__BLOCK; i++) {
        uint32_t bits = ft__bits_of(x[i]) & 0x7FFFFFFFu;
        if (bits > most) most = bits;
    }
    return most;
}

/* Blocks below 2^-100 count as zero; one that reaches 2^126, an infinity or a NaN gets a NaN scale, which
   shows in the logits and is reported there. */
static void ft__quantize_scalar(const float *x, int n, int8_t *q, float *scale) {
    for (int b = 0; b < n / FT__BLOCK; b++, x += FT__BLOCK, q += FT__BLOCK) {
        uint32_t bits = ft__scalar_amax_bits(x);
        bool plain = bits >= 0x0D800000u && bits < 0x7E800000u;
        float amax = ft__float_of(bits), to_int = plain ? 127.0f * ft__recipf(amax) : 0.0f;
        scale[b] = plain ? amax * (1.0f / 127.0f) : ft__float_of(bits < 0x7E800000u ? 0 : 0x7FC00000u);
        for (int i = 0; i < FT__BLOCK; i++) {
            float shifted = (plain ? x[i] : 0.0f) * to_int + FT__SCALAR_MAGIC;
            q[i] = (int8_t)((int32_t)ft__bits_of(shifted) - 0x4B400000);
        }
    }
}

static void ft__tile_scalar(const int8_t *q, const float *scale, int n_cols, int n, uint8_t *tile) {
    const int n_blocks = n_cols / FT__BLOCK;
    for (int b = 0; b < n_blocks; b++, tile += n * FT__TILE_TOKEN_BYTES) {
        int32_t *words = (int32_t *)(void *)tile, *start = words + 10 * n;
        float *floats = (float *)(void *)(words + 8 * n);
        for (int t = 0; t < n; t++) {
            const int8_t *from = q + (size_t)t * (size_t)n_cols + b * FT__BLOCK;
            int32_t low = 0, high = 0;
            for (int k = 0; k < 8; k++) memcpy(&words[k * n + t], from + 4 * k, 4);
            for (int i = 0; i < 16; i++) low += from[i], high += from[i + 16];
            floats[t] = scale[(size_t)t * (size_t)n_blocks + (size_t)b];
            floats[n + t] = (float)(low + high);
            start[t] = -8 * (low + high);
            start[n + t] = -8 * low;
            start[2 * n + t] = -8 * high;
        }
    }
}

static void ft__add_scalar(float *x, const float *y, int n) {
    for (int i = 0; i < n; i++) x[i] = x[i] + y[i];
}

static void ft__scale_scalar(float *out, const float *x, float factor, const float *weight, int n) {
    for (int i = 0; i < n; i++) out[i] = weight ? (x[i] * factor) * weight[i] : x[i] * factor;
}

/* "+ b * -s" is the same number; where it says "- b * s", gcc 12 fuses the two lines (vfmaddsub) against all
   orders. */
static void ft__rope_scalar(float *x, const float *cs, int n) {
    for (int i = 0; i < n; i += 2) {
        float a = x[i], b = x[i + 1], c = cs[i], s = cs[i + 1];
        x[i] = a * c + b * -s;
        x[i + 1] = a * s + b * c;
    }
}

static float ft__max_scalar(const float *x, int n, float max) {
    for (int i = 0; i < n; i++) max = x[i] > max ? x[i] : max;
    return max;
}

/* 64 -> 32 -> ... -> 1 */
static float ft__scalar_tree(float p[FT__PARTIALS]) {
    for (int half = FT__PARTIALS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) p[i] = p[i] + p[i + half];
    return p[0];
}

static float ft__sum_squares_scalar(const float *x, int n) {
    float p[FT__PARTIALS] = {0};
    for (int i = 0; i < n; i++) p[i % FT__PARTIALS] = p[i % FT__PARTIALS] + x[i] * x[i];
    return ft__scalar_tree(p);
}

/* One weight of a float format. */
static float ft__scalar_weight(const uint8_t *row, int i, int format) {
    uint16_t half;
    float f;
    if (format == FT__FORMAT_F32) {
        memcpy(&f, row + 4 * (size_t)i, 4);
        return f;
    }
    memcpy(&half, row + 2 * (size_t)i, 2);
    return format == FT__FORMAT_F16 ? ft__f16_to_f32(half) : ft__bf16_to_f32(half);
}

static void ft__scalar_rows_float(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                  float *out, size_t ld, int format) {
    for (int r = 0; r < n_rows; r++, w += row_bytes) {
        for (int t = 0; t < a->n_tokens; t++) {
            const float *x = a->x + (size_t)t * (size_t)a->n_cols;
            float p[FT__PARTIALS] = {0};
            for (int i = 0; i < a->n_cols; i++) {
                float product = ft__scalar_weight(w, i, format) * x[i];
                p[i % FT__PARTIALS] = p[i % FT__PARTIALS] + product;
            }
            out[(size_t)t * ld + (size_t)r] = ft__scalar_tree(p);
        }
    }
}

static void ft__rows_f32_scalar(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                float *out, size_t ld) {
    ft__scalar_rows_float(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_F32);
}

static void ft__rows_f16_scalar(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                float *out, size_t ld) {
    ft__scalar_rows_float(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_F16);
}

static void ft__rows_bf16_scalar(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                 float *out, size_t ld) {
    ft__scalar_rows_float(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_BF16);
}

/* Exact integer dot of 32 weights, block b of a row, with 32 activations; *scale is the weights' own, and
   *min their minimum's where the format has one. */
typedef int32_t ft__scalar_dot_fn(const uint8_t *row, int b, const int8_t *q, float *scale, float *min);

static float ft__scalar_f16(const uint8_t *p) { return ft__f16_to_f32((uint16_t)(p[0] | p[1] << 8)); }

static int32_t ft__scalar_dot_q8_0(const uint8_t *row, int b, const int8_t *q, float *scale, float *min) {
    (void)min;
    const uint8_t *block = row + (size_t)b * 34;
    int32_t sum = 0;
    const int8_t *codes = (const int8_t *)block + 2; /* gcc 12 takes a cast of each byte for unsigned */
    *scale = ft__scalar_f16(block);
    for (int i = 0; i < FT__BLOCK; i++) sum += codes[i] * q[i];
    return sum;
}

static int32_t ft__scalar_dot_q4_0(const uint8_t *row, int b, const int8_t *q, float *scale, float *min) {
    (void)min;
    const uint8_t *block = row + (size_t)b * 18;
    int32_t sum = 0;
    *scale = ft__scalar_f16(block);
    for (int i = 0; i < 16; i++)
        sum += ((block[2 + i] & 15) - 8) * q[i] + ((block[2 + i] >> 4) - 8) * q[i + 16];
    return sum;
}

/* Eight blocks of 32 share a superblock; each 16 weights have an integer scale, which is exact too. */
static int32_t ft__scalar_dot_q6_k(const uint8_t *row, int b, const int8_t *q, float *scale, float *min) {
    (void)min;
    const uint8_t *block = row + (size_t)(b / 8) * 210;
    int sub = b % 8, quarter = sub % 4;
    const uint8_t *low = block + 64 * (sub / 4) + 32 * (quarter % 2);
    const uint8_t *high = block + 128 + 32 * (sub / 4);
    const int8_t *scales = (const int8_t *)block + 192 + 2 * sub;
    int32_t sum[2] = {0, 0};
    for (int i = 0; i < FT__BLOCK; i++) {
        int code = (low[i] >> (quarter < 2 ? 0 : 4) & 15) | (high[i] >> (2 * quarter) & 3) << 4;
        sum[i / 16] += (code - 32) * q[i];
    }
    *scale = ft__scalar_f16(block + 208);
    return scales[0] * sum[0] + scales[1] * sum[1];
}

/* Q4_K adds minimums: the product is (ws xs) isum - (wm xs) sum(q). */
static int32_t ft__scalar_dot_q4_k(const uint8_t *row, int b, const int8_t *q, float *scale, float *min) {
    const uint8_t *block = row + (size_t)(b / 8) * 144, *s = block + 4;
    const int i = b % 8;
    const uint8_t *codes = block + 16 + 32 * (i / 2);
    int sc = i < 4 ? s[i] & 63 : (s[i + 4] & 15) | (s[i - 4] >> 6) << 4;
    int mn = i < 4 ? s[i + 4] & 63 : s[i + 4] >> 4 | (s[i] >> 6) << 4;
    int32_t sum = 0;
    for (int j = 0; j < FT__BLOCK; j++) sum += (i % 2 ? codes[j] >> 4 : codes[j] & 15) * q[j];
    *scale = ft__scalar_f16(block) * (float)sc;
    *min = ft__scalar_f16(block + 2) * (float)mn;
    return sum;
}

static int32_t ft__scalar_sum(const int8_t *q) {
    int32_t sum = 0;
    for (int i = 0; i < FT__BLOCK; i++) sum += q[i];
    return sum;
}

/* The loop of all block formats. */
static void ft__scalar_rows_blocks(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                   float *out, size_t ld, ft__scalar_dot_fn *dot, bool with_min) {
    const int n_blocks = a->n_cols / FT__BLOCK, chunk = FT__CHUNK / FT__BLOCK;
    for (int r = 0; r < n_rows; r++, w += row_bytes) {
        for (int t = 0; t < a->n_tokens; t++) {
            const int8_t *q = a->q + (size_t)t * (size_t)a->n_cols;
            const float *xs = a->scale + (size_t)t * (size_t)n_blocks;
            float total = 0, acc = 0, ws, wm = 0;
            for (int b = 0; b < n_blocks; b++) {
                int32_t isum = dot(w, b, q + b * FT__BLOCK, &ws, &wm);
                acc = acc + (ws * xs[b]) * (float)isum;
                if (with_min) acc = acc - (wm * xs[b]) * (float)ft__scalar_sum(q + b * FT__BLOCK);
                if (b % chunk == chunk - 1 || b == n_blocks - 1) {
                    total = total + acc;
                    acc = 0;
                }
            }
            out[(size_t)t * ld + (size_t)r] = total;
        }
    }
}

static void ft__rows_q8_0_scalar(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                 float *out, size_t ld) {
    ft__scalar_rows_blocks(w, row_bytes, n_rows, a, out, ld, ft__scalar_dot_q8_0, false);
}

static void ft__rows_q4_0_scalar(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                 float *out, size_t ld) {
    ft__scalar_rows_blocks(w, row_bytes, n_rows, a, out, ld, ft__scalar_dot_q4_0, false);
}

static void ft__rows_q4_k_scalar(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                 float *out, size_t ld) {
    ft__scalar_rows_blocks(w, row_bytes, n_rows, a, out, ld, ft__scalar_dot_q4_k, true);
}

static void ft__rows_q6_k_scalar(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                 float *out, size_t ld) {
    ft__scalar_rows_blocks(w, row_bytes, n_rows, a, out, ld, ft__scalar_dot_q6_k, false);
}

/* The tree over the rank for every output by itself. */
static void ft__low_rank_scalar(const float *b, int rank, int n_out, const float *low, int n_tokens,
                                float factor, float *out, size_t ld) {
    for (int t = 0; t < n_tokens; t++) {
        for (int r = 0; r < n_out; r++) {
            float p[FT__PARTIALS] = {0}, *to = &out[(size_t)t * ld + (size_t)r];
            for (int k = 0; k < rank; k++) {
                float product = b[(size_t)k * (size_t)n_out + (size_t)r] * low[t * rank + k];
                p[k % FT__PARTIALS] = p[k % FT__PARTIALS] + product;
            }
            *to = *to + factor * ft__scalar_tree(p);
        }
    }
}

static void ft__scores_scalar(const float *q, int n_q, const float *k, int head_dim, float scale, float *s) {
    for (int h = 0; h < n_q; h++, q += head_dim, s += FT__TILE) {
        for (int j = 0; j < FT__TILE; j++) {
            float sum = 0;
            for (int d = 0; d < head_dim; d++) sum = sum + q[d] * k[d * FT__TILE + j];
            s[j] = sum * scale;
        }
    }
}

static float ft__softmax_scalar(float s[64], int lo, int hi, float max) {
    float p[FT__PARTIALS];
    for (int j = 0; j < FT__TILE; j++) s[j] = p[j] = j >= lo && j < hi ? ft__expf(s[j] - max) : 0.0f;
    return ft__scalar_tree(p);
}

static void ft__values_scalar(float *o, int n_q, const float *p, const float *v, int lo, int hi,
                              int head_dim) {
    for (int h = 0; h < n_q; h++, o += head_dim, p += FT__TILE)
        for (int j = lo; j < hi; j++)
            for (int d = 0; d < head_dim; d++) o[d] = o[d] + p[j] * v[j * head_dim + d];
}

static void ft__widen_scalar(const uint16_t *half, float *out, int n) {
    for (int i = 0; i < n; i++) out[i] = ft__f16_to_f32(half[i]);
}

/* silu(g) = g / (1 + exp(-g)); the exponent stops at 80, so that the reciprocal stays normal. */
static void ft__silu_mul_scalar(float *gate, const float *up, int n) {
    for (int i = 0; i < n; i++) {
        float negative = 0.0f - gate[i];
        negative = negative < 80.0f ? negative : 80.0f;
        gate[i] = (gate[i] * ft__recipf(1.0f + ft__expf(negative))) * up[i];
    }
}

FT__PRIV void ft__kernels_scalar(ft__kernels *k) {
    k->rows[FT__FORMAT_F32] = ft__rows_f32_scalar;
    k->rows[FT__FORMAT_F16] = ft__rows_f16_scalar;
    k->rows[FT__FORMAT_BF16] = ft__rows_bf16_scalar;
    k->rows[FT__FORMAT_Q8_0] = ft__rows_q8_0_scalar;
    k->rows[FT__FORMAT_Q4_0] = ft__rows_q4_0_scalar;
    k->rows[FT__FORMAT_Q4_K] = ft__rows_q4_k_scalar;
    k->rows[FT__FORMAT_Q6_K] = ft__rows_q6_k_scalar;
    k->quantize = ft__quantize_scalar;
    k->tile = ft__tile_scalar;
    k->sum_squares = ft__sum_squares_scalar;
    k->add = ft__add_scalar;
    k->scale = ft__scale_scalar;
    k->rope = ft__rope_scalar;
    k->max = ft__max_scalar;
    k->low_rank = ft__low_rank_scalar;
    k->scores = ft__scores_scalar;
    k->softmax = ft__softmax_scalar;
    k->values = ft__values_scalar;
    k->widen = ft__widen_scalar;
    k->silu_mul = ft__silu_mul_scalar;
}
/* ---- end src/num/kern_scalar.c */
/* ---- begin src/num/kern_avx2.c */
/* The scalar kernels' twins for AVX2 (with F16C): the same operations in the same order, eight at a time.
   Partial sums, rows, keys or dimensions lie across the lanes, so no order changes.  Functions carry
   their target themselves; the user's compiler needs no flag. */

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>

#define FT__AVX2 __attribute__((target("avx2,f16c")))
#define FT__AVX2_INLINE static inline __attribute__((target("avx2,f16c"), always_inline))

FT__AVX2_INLINE __m256 ft__avx2_exp(__m256 x) {
    __m256 keep = _mm256_cmp_ps(x, _mm256_set1_ps(-87.0f), _CMP_GE_OQ);
    x = _mm256_min_ps(x, _mm256_set1_ps(88.0f));
    x = _mm256_max_ps(x, _mm256_set1_ps(-87.0f));
    const __m256 magic = _mm256_set1_ps(12582912.0f);
    __m256 shifted = _mm256_add_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)), magic);
    __m256 n = _mm256_sub_ps(shifted, magic);
    __m256 r = _mm256_sub_ps(x, _mm256_mul_ps(n, _mm256_set1_ps(0.693359375f)));
    r = _mm256_sub_ps(r, _mm256_mul_ps(n, _mm256_set1_ps(-2.12194440e-4f)));
    __m256 p = _mm256_set1_ps(0.0013942160876467824f);
    p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(0.008363775908946991f));
    p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(0.041666362434625626f));
    p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(0.16666573286056519f));
    p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(0.5f));
    p = _mm256_mul_ps(p, _mm256_mul_ps(r, r));
    p = _mm256_add_ps(p, r);
    p = _mm256_add_ps(p, _mm256_set1_ps(1.0f));
    __m256i power = _mm256_sub_epi32(_mm256_castps_si256(shifted), _mm256_set1_epi32(0x4B400000 - 127));
    p = _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32(power, 23)));
    return _mm256_and_ps(p, keep);
}

FT__AVX2_INLINE __m256 ft__avx2_recip(__m256 x) {
    const __m256 two = _mm256_set1_ps(2.0f);
    __m256i guess = _mm256_sub_epi32(_mm256_set1_epi32(0x7EF311C3), _mm256_castps_si256(x));
    __m256 y = _mm256_castsi256_ps(guess);
    for (int i = 0; i < 3; i++) y = _mm256_mul_ps(y, _mm256_sub_ps(two, _mm256_mul_ps(x, y)));
    return y;
}

/* p[0..7] += p[4..], [2..], [1..]: the end of the tree. */
FT__AVX2_INLINE float ft__avx2_tree8(__m256 v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    s = _mm_add_ss(s, _mm_shuffle_ps(s, s, 1));
    return _mm_cvtss_f32(s);
}

FT__AVX2_INLINE float ft__avx2_tree64(const __m256 p[8]) {
    __m256 a = _mm256_add_ps(p[0], p[4]), b = _mm256_add_ps(p[1], p[5]);
    __m256 c = _mm256_add_ps(p[2], p[6]), d = _mm256_add_ps(p[3], p[7]);
    return ft__avx2_tree8(_mm256_add_ps(_mm256_add_ps(a, c), _mm256_add_ps(b, d)));
}

/* 32 floats to int8 with the block's scale; see the scalar twin. */
FT__AVX2 static void ft__quantize_avx2(const float *x, int n, int8_t *q, float *scale) {
    const __m256i abs_mask = _mm256_set1_epi32(0x7FFFFFFF);
    const __m256 magic = _mm256_set1_ps(12582912.0f);
    for (int b = 0; b < n / FT__BLOCK; b++, x += FT__BLOCK, q += FT__BLOCK) {
        __m256 v[4];
        __m256i most = _mm256_setzero_si256(), ints[4];
        for (int i = 0; i < 4; i++) {
            v[i] = _mm256_loadu_ps(x + 8 * i);
            most = _mm256_max_epu32(most, _mm256_and_si256(_mm256_castps_si256(v[i]), abs_mask));
        }
        __m128i m = _mm_max_epu32(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
        m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4E));
        m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0xB1));
        uint32_t bits = (uint32_t)_mm_cvtsi128_si32(m);
        if (bits < 0x0D800000u || bits >= 0x7E800000u) {
            scale[b] = ft__float_of(bits < 0x7E800000u ? 0 : 0x7FC00000u);
            memset(q, 0, FT__BLOCK);
            continue;
        }
        float amax = ft__float_of(bits);
        __m256 to_int = _mm256_set1_ps(127.0f * ft__recipf(amax));
        scale[b] = amax * (1.0f / 127.0f);
        for (int i = 0; i < 4; i++) {
            __m256 shifted = _mm256_add_ps(_mm256_mul_ps(v[i], to_int), magic);
            ints[i] = _mm256_sub_epi32(_mm256_castps_si256(shifted), _mm256_set1_epi32(0x4B400000));
        }
        __m256i lo = _mm256_packs_epi32(ints[0], ints[1]), hi = _mm256_packs_epi32(ints[2], ints[3]);
        __m256i bytes = _mm256_packs_epi16(lo, hi); /* packing works within 128-bit halves */
        bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        _mm256_storeu_si256((__m256i *)(void *)q, bytes);
    }
}

/* The sum of 16 int8 in each half of v: as bytes above -128, which `psadbw` adds by eights. */
FT__AVX2_INLINE void ft__avx2_half_sums(__m256i v, int32_t *low, int32_t *high) {
    v = _mm256_sad_epu8(_mm256_xor_si256(v, _mm256_set1_epi8((char)0x80)), _mm256_setzero_si256());
    __m128i a = _mm256_castsi256_si128(v), b = _mm256_extracti128_si256(v, 1);
    *low = _mm_cvtsi128_si32(a) + _mm_extract_epi32(a, 2) - 16 * 128;
    *high = _mm_cvtsi128_si32(b) + _mm_extract_epi32(b, 2) - 16 * 128;
}

FT__AVX2 static void ft__tile_avx2(const int8_t *q, const float *scale, int n_cols, int n, uint8_t *tile) {
    const int n_blocks = n_cols / FT__BLOCK;
    for (int b = 0; b < n_blocks; b++, tile += n * FT__TILE_TOKEN_BYTES) {
        int32_t *words = (int32_t *)(void *)tile, *start = words + 10 * n;
        float *floats = (float *)(void *)(words + 8 * n);
        for (int t = 0; t < n; t++) {
            const int8_t *from = q + (size_t)t * (size_t)n_cols + b * FT__BLOCK;
            int32_t low, high;
            ft__avx2_half_sums(_mm256_loadu_si256((const __m256i *)(const void *)from), &low, &high);
            for (int k = 0; k < 8; k++) memcpy(&words[k * n + t], from + 4 * k, 4);
            floats[t] = scale[(size_t)t * (size_t)n_blocks + (size_t)b];
            floats[n + t] = (float)(low + high);
            start[t] = -8 * (low + high);
            start[n + t] = -8 * low;
            start[2 * n + t] = -8 * high;
        }
    }
}

FT__AVX2 static void ft__add_avx2(float *x, const float *y, int n) {
    int i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(x + i, _mm256_add_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i)));
    for (; i < n; i++) x[i] = x[i] + y[i];
}

FT__AVX2 static void ft__scale_avx2(float *out, const float *x, float factor, const float *weight, int n) {
    int i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(x + i), _mm256_set1_ps(factor));
        _mm256_storeu_ps(out + i, weight ? _mm256_mul_ps(scaled, _mm256_loadu_ps(weight + i)) : scaled);
    }
    for (; i < n; i++) out[i] = weight ? (x[i] * factor) * weight[i] : x[i] * factor;
}

/* (a, b) (c, s) -> (a c + b -s, b c + a s) */
FT__AVX2 static void ft__rope_avx2(float *x, const float *cs, int n) {
    const __m256 signs = _mm256_setr_ps(-0.0f, 0, -0.0f, 0, -0.0f, 0, -0.0f, 0);
    int i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 v = _mm256_loadu_ps(x + i), turn = _mm256_loadu_ps(cs + i);
        __m256 s = _mm256_xor_ps(_mm256_movehdup_ps(turn), signs), swapped = _mm256_permute_ps(v, 0xB1);
        __m256 sum = _mm256_add_ps(_mm256_mul_ps(v, _mm256_moveldup_ps(turn)), _mm256_mul_ps(swapped, s));
        _mm256_storeu_ps(x + i, sum);
    }
    for (; i < n; i += 2) {
        float a = x[i], b = x[i + 1], c = cs[i], s = cs[i + 1];
        x[i] = a * c + b * -s;
        x[i + 1] = a * s + b * c;
    }
}

FT__AVX2 static float ft__max_avx2(const float *x, int n, float max) {
    float lanes[8];
    int i = 0;
    if (n >= 8) {
        __m256 most = _mm256_set1_ps(max);
        for (; i + 8 <= n; i += 8) most = _mm256_max_ps(_mm256_loadu_ps(x + i), most);
        _mm256_storeu_ps(lanes, most);
        for (int k = 0; k < 8; k++) max = lanes[k] > max ? lanes[k] : max;
    }
    for (; i < n; i++) max = x[i] > max ? x[i] : max;
    return max;
}

/* Eight weights of a float format. */
FT__AVX2_INLINE __m256 ft__avx2_weights(const uint8_t *row, int i, int format) {
    if (format == FT__FORMAT_F32) return _mm256_loadu_ps((const float *)(const void *)(row + 4 * i));
    __m128i half = _mm_loadu_si128((const __m128i *)(const void *)(row + 2 * i));
    if (format == FT__FORMAT_F16) return _mm256_cvtph_ps(half);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

/* The last n % 64 elements: whole eights go to their register; the rest through a copy with zeros after
   it, which add nothing. */
FT__AVX2_INLINE void ft__avx2_tail(__m256 p[8], const uint8_t *row, const float *x, int from, int n,
                                   int format) {
    int width = format == FT__FORMAT_F32 ? 4 : 2, g = 0;
    for (; from + 8 <= n; from += 8, g++) {
        __m256 product = _mm256_mul_ps(ft__avx2_weights(row, from, format), _mm256_loadu_ps(x + from));
        p[g] = _mm256_add_ps(p[g], product);
    }
    if (from == n) return;
    uint8_t w_rest[32] = {0};
    float x_rest[8] = {0};
    memcpy(w_rest, row + (size_t)from * (size_t)width, (size_t)(n - from) * (size_t)width);
    memcpy(x_rest, x + from, (size_t)(n - from) * sizeof *x);
    __m256 product = _mm256_mul_ps(ft__avx2_weights(w_rest, 0, format), _mm256_loadu_ps(x_rest));
    p[g] = _mm256_add_ps(p[g], product);
}

FT__AVX2_INLINE float ft__avx2_dot(const uint8_t *row, const float *x, int n, int format) {
    __m256 p[8];
    for (int g = 0; g < 8; g++) p[g] = _mm256_setzero_ps();
    int i = 0;
    for (; i + FT__PARTIALS <= n; i += FT__PARTIALS) {
        for (int g = 0; g < 8; g++) {
            __m256 w = ft__avx2_weights(row, i + 8 * g, format);
            p[g] = _mm256_add_ps(p[g], _mm256_mul_ps(w, _mm256_loadu_ps(x + i + 8 * g)));
        }
    }
    if (i < n) ft__avx2_tail(p, row, x, i, n, format);
    return ft__avx2_tree64(p);
}

FT__AVX2 static float ft__sum_squares_avx2(const float *x, int n) {
    return ft__avx2_dot((const uint8_t *)x, x, n, FT__FORMAT_F32);
}

FT__AVX2_INLINE void ft__avx2_rows_float(const uint8_t *w, size_t row_bytes, int n_rows,
                                         const ft__acts *a, float *out, size_t ld, int format) {
    for (int r = 0; r < n_rows; r++, w += row_bytes)
        for (int t = 0; t < a->n_tokens; t++)
            out[(size_t)t * ld + (size_t)r] =
                ft__avx2_dot(w, a->x + (size_t)t * (size_t)a->n_cols, a->n_cols, format);
}

FT__AVX2 static void ft__rows_f32_avx2(const uint8_t *w, size_t row_bytes, int n_rows,
                                       const ft__acts *a, float *out, size_t ld) {
    ft__avx2_rows_float(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_F32);
}

FT__AVX2 static void ft__rows_f16_avx2(const uint8_t *w, size_t row_bytes, int n_rows,
                                       const ft__acts *a, float *out, size_t ld) {
    ft__avx2_rows_float(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_F16);
}

FT__AVX2 static void ft__rows_bf16_avx2(const uint8_t *w, size_t row_bytes, int n_rows,
                                        const ft__acts *a, float *out, size_t ld) {
    ft__avx2_rows_float(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_BF16);
}

/* Block b of a row: 32 signed codes, what their pairwise sums are multiplied by (an integer scale per 16
   codes, or 1), the weights' scale, and the minimum where the format has one. */
FT__AVX2_INLINE __m256i ft__avx2_block(const uint8_t *row, int b, __m256i *factor, float *scale,
                                       float *min, int format) {
    const int sub = b % 8, quarter = sub % 4;
    const uint8_t *block = row + (size_t)b * (format == FT__FORMAT_Q8_0 ? 34 : 18);
    if (format == FT__FORMAT_Q4_K) block = row + (size_t)(b / 8) * 144;
    if (format == FT__FORMAT_Q6_K) block = row + (size_t)(b / 8) * 210;
    uint16_t half;
    memcpy(&half, block + (format == FT__FORMAT_Q6_K ? 208 : 0), 2);
    *scale = _cvtsh_ss(half);
    *factor = _mm256_set1_epi16(1);
    if (format == FT__FORMAT_Q8_0) return _mm256_loadu_si256((const __m256i *)(const void *)(block + 2));
    if (format == FT__FORMAT_Q4_0) {
        __m128i packed = _mm_loadu_si128((const __m128i *)(const void *)(block + 2));
        __m128i high = _mm_srli_epi16(packed, 4);
        __m256i nibbles = _mm256_inserti128_si256(_mm256_castsi128_si256(packed), high, 1);
        nibbles = _mm256_and_si256(nibbles, _mm256_set1_epi8(15));
        return _mm256_sub_epi8(nibbles, _mm256_set1_epi8(8));
    }
    if (format == FT__FORMAT_Q4_K) {
        const uint8_t *s = block + 4;
        int sc = sub < 4 ? s[sub] & 63 : (s[sub + 4] & 15) | (s[sub - 4] >> 6) << 4;
        int mn = sub < 4 ? s[sub + 4] & 63 : s[sub + 4] >> 4 | (s[sub] >> 6) << 4;
        memcpy(&half, block + 2, 2);
        *scale = *scale * (float)sc;
        *min = _cvtsh_ss(half) * (float)mn;
        __m256i both = _mm256_loadu_si256((const __m256i *)(const void *)(block + 16 + 32 * (sub / 2)));
        both = _mm256_srl_epi16(both, _mm_cvtsi32_si128(sub % 2 ? 4 : 0));
        return _mm256_and_si256(both, _mm256_set1_epi8(15));
    }
    const uint8_t *ql = block + 64 * (sub / 4) + 32 * (quarter % 2), *qh = block + 128 + 32 * (sub / 4);
    const int8_t *scales = (const int8_t *)block + 192 + 2 * sub;
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)ql);
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)qh);
    low = _mm256_srl_epi16(low, _mm_cvtsi32_si128(quarter < 2 ? 0 : 4));
    high = _mm256_srl_epi16(high, _mm_cvtsi32_si128(2 * quarter));
    high = _mm256_slli_epi16(_mm256_and_si256(high, _mm256_set1_epi8(3)), 4);
    low = _mm256_or_si256(_mm256_and_si256(low, _mm256_set1_epi8(15)), high);
    *factor = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_set1_epi16(scales[0])),
                                      _mm_set1_epi16(scales[1]), 1);
    return _mm256_sub_epi8(low, _mm256_set1_epi8(32));
}

/* The sums of eight vectors of eight integers, in lanes 0..7. */
FT__AVX2_INLINE __m256i ft__avx2_sums(const __m256i v[8]) {
    __m256i a = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
    __m256i b = _mm256_hadd_epi32(_mm256_hadd_epi32(v[4], v[5]), _mm256_hadd_epi32(v[6], v[7]));
    return _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
}

/* The sum of 32 int8. */
FT__AVX2_INLINE float ft__avx2_sum(__m256i x) {
    __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), x);
    __m256i quads = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(quads), _mm256_extracti128_si256(quads, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1));
    return (float)_mm_cvtsi128_si32(s);
}

/* Eight rows and up to four tokens at a time.  The products are |code| * (sign(code) * q): 128 * 127 * 2
   fits the 16-bit sums, which therefore never saturate. */
FT__AVX2_INLINE void ft__avx2_blocks(const uint8_t *const rows[8], const ft__acts *a, int t0, int n_t,
                                     float out[4][8], int format) {
    const int n_blocks = a->n_cols / FT__BLOCK, chunk = FT__CHUNK / FT__BLOCK;
    __m256 acc[4], total[4];
    for (int t = 0; t < 4; t++) acc[t] = total[t] = _mm256_setzero_ps();
    for (int b = 0; b < n_blocks; b++) {
        __m256i code[8], size[8], factor[8];
        float scale[8], min[8];
        for (int r = 0; r < 8; r++) {
            code[r] = ft__avx2_block(rows[r], b, &factor[r], &scale[r], &min[r], format);
            size[r] = _mm256_abs_epi8(code[r]);
        }
        __m256 ws = _mm256_loadu_ps(scale);
        for (int t = 0; t < n_t; t++) {
            const int8_t *q = a->q + (size_t)(t0 + t) * (size_t)a->n_cols + b * FT__BLOCK;
            __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)q), dot[8];
            for (int r = 0; r < 8; r++) {
                __m256i pairs = _mm256_maddubs_epi16(size[r], _mm256_sign_epi8(x, code[r]));
                dot[r] = _mm256_madd_epi16(pairs, factor[r]);
            }
            __m256 xs = _mm256_set1_ps(a->scale[(size_t)(t0 + t) * (size_t)n_blocks + (size_t)b]);
            __m256 isum = _mm256_cvtepi32_ps(ft__avx2_sums(dot));
            acc[t] = _mm256_add_ps(acc[t], _mm256_mul_ps(_mm256_mul_ps(ws, xs), isum));
            if (format == FT__FORMAT_Q4_K) {
                __m256 wm = _mm256_mul_ps(_mm256_loadu_ps(min), xs);
                acc[t] = _mm256_sub_ps(acc[t], _mm256_mul_ps(wm, _mm256_set1_ps(ft__avx2_sum(x))));
            }
            if (b % chunk == chunk - 1 || b == n_blocks - 1) {
                total[t] = _mm256_add_ps(total[t], acc[t]);
                acc[t] = _mm256_setzero_ps();
            }
        }
    }
    for (int t = 0; t < n_t; t++) _mm256_storeu_ps(out[t], total[t]);
}

FT__AVX2_INLINE void ft__avx2_rows_blocks(const uint8_t *w, size_t row_bytes, int n_rows,
                                          const ft__acts *a, float *out, size_t ld, int format) {
    for (int r = 0; r < n_rows; r += 8) {
        int n_r = n_rows - r < 8 ? n_rows - r : 8;
        const uint8_t *rows[8];
        float sums[4][8];
        for (int i = 0; i < 8; i++) rows[i] = w + (size_t)(r + (i < n_r ? i : 0)) * row_bytes;
        for (int t = 0; t < a->n_tokens; t += 4) {
            int n_t = a->n_tokens - t < 4 ? a->n_tokens - t : 4;
            ft__avx2_blocks(rows, a, t, n_t, sums, format);
            for (int i = 0; i < n_t; i++)
                memcpy(out + (size_t)(t + i) * ld + (size_t)r, sums[i], (size_t)n_r * sizeof(float));
        }
    }
}

FT__AVX2 static void ft__rows_q8_0_avx2(const uint8_t *w, size_t row_bytes, int n_rows,
                                        const ft__acts *a, float *out, size_t ld) {
    ft__avx2_rows_blocks(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_Q8_0);
}

FT__AVX2 static void ft__rows_q4_0_avx2(const uint8_t *w, size_t row_bytes, int n_rows,
                                        const ft__acts *a, float *out, size_t ld) {
    ft__avx2_rows_blocks(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_Q4_0);
}

FT__AVX2 static void ft__rows_q4_k_avx2(const uint8_t *w, size_t row_bytes, int n_rows,
                                        const ft__acts *a, float *out, size_t ld) {
    ft__avx2_rows_blocks(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_Q4_K);
}

FT__AVX2 static void ft__rows_q6_k_avx2(const uint8_t *w, size_t row_bytes, int n_rows,
                                        const ft__acts *a, float *out, size_t ld) {
    ft__avx2_rows_blocks(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_Q6_K);
}

/* ---- packed weights: half a group, eight rows, at a time */

/* Quad k of eight rows: unsigned codes, but signed ones for Q8_0. */
FT__AVX2_INLINE __m256i ft__avx2_quad(const uint8_t *codes, int k, int format) {
    const __m256i *at = (const __m256i *)(const void *)(codes + 64 * (format == FT__FORMAT_Q8_0 ? k : k % 4));
    __m256i both = _mm256_loadu_si256(at);
    if (format == FT__FORMAT_Q8_0) return _mm256_xor_si256(both, _mm256_set1_epi8((char)0x80));
    if (k >= 4) both = _mm256_srli_epi16(both, 4);
    __m256i low = _mm256_and_si256(both, _mm256_set1_epi8(15));
    if (format != FT__FORMAT_Q6_K) return low;
    __m256i bits = _mm256_loadu_si256((const __m256i *)(const void *)(codes + 256 + 64 * (k / 4)));
    bits = k % 4 < 2 ? _mm256_slli_epi16(bits, 4 - 2 * (k % 4)) : _mm256_srli_epi16(bits, 2 * (k % 4) - 4);
    return _mm256_or_si256(low, _mm256_and_si256(bits, _mm256_set1_epi8(0x30)));
}

FT__AVX2_INLINE __m256 ft__avx2_halves(const uint8_t *p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}

FT__AVX2_INLINE __m256i ft__avx2_bytes(const uint8_t *p, bool is_signed) {
    __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)p);
    return is_signed ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes);
}

/* As ft__avx512_scales: s points at the scales of the group's half. */
FT__AVX2_INLINE __m256 ft__avx2_scales(const uint8_t *s, int b, int half, __m256 *wm, __m256i *s0,
                                       __m256i *s1, int format) {
    const int lane = 8 * half;
    if (format == FT__FORMAT_Q8_0 || format == FT__FORMAT_Q4_0)
        return ft__avx2_halves(s + 32 * (size_t)b + 2 * lane);
    if (format == FT__FORMAT_Q4_K) {
        s += 320 * (size_t)(b / 8);
        __m256 scale = _mm256_cvtepi32_ps(ft__avx2_bytes(s + 64 + 16 * (b % 8) + lane, false));
        __m256 min = _mm256_cvtepi32_ps(ft__avx2_bytes(s + 192 + 16 * (b % 8) + lane, false));
        *wm = _mm256_mul_ps(ft__avx2_halves(s + 32 + 2 * lane), min);
        return _mm256_mul_ps(ft__avx2_halves(s + 2 * lane), scale);
    }
    s += 288 * (size_t)(b / 8);
    *s0 = ft__avx2_bytes(s + 32 + 32 * (b % 8) + lane, true);
    *s1 = ft__avx2_bytes(s + 48 + 32 * (b % 8) + lane, true);
    return ft__avx2_halves(s + 2 * lane);
}

/* Four products per lane, exact: Q8_0 as |code| * (sign(code) * q), the others' codes are at most 63. */
FT__AVX2_INLINE __m256i ft__avx2_dot4(__m256i quad, __m256i x, int format) {
    if (format == FT__FORMAT_Q8_0) {
        x = _mm256_sign_epi8(x, quad);
        quad = _mm256_abs_epi8(quad);
    }
    return _mm256_madd_epi16(_mm256_maddubs_epi16(quad, x), _mm256_set1_epi16(1));
}

/* Tokens t0 .. t0 + n_n - 1 of a tile of n_t, over one chunk. */
FT__AVX2_INLINE void ft__avx2_tile(const uint8_t *codes, const uint8_t *scales, int half, int n_blocks,
                                   const uint8_t *tile, int n_t, int t0, bool first, float *out, size_t ld,
                                   int n_n, int format) {
    const bool q6 = format == FT__FORMAT_Q6_K;
    const size_t code_bytes = ft__pack_code_bytes(format);
    __m256 acc[3];
    for (int t = 0; t < n_n; t++) acc[t] = _mm256_setzero_ps();
    for (int b = 0; b < n_blocks; b++, tile += n_t * FT__TILE_TOKEN_BYTES, codes += code_bytes) {
        const int32_t *q = (const int32_t *)(const void *)tile + t0;
        const float *xs = (const float *)(const void *)(q + 8 * n_t), *sum = xs + n_t;
        const int32_t *start = q + 10 * n_t, *start_low = start + n_t, *start_high = start_low + n_t;
        __m256i dot[3], high[3], s0 = _mm256_setzero_si256(), s1 = s0;
        __m256 wm = _mm256_setzero_ps();
        for (int t = 0; t < n_n; t++) {
            dot[t] = high[t] = _mm256_setzero_si256();
            if (format == FT__FORMAT_Q4_0) dot[t] = _mm256_set1_epi32(start[t]);
            if (q6) dot[t] = _mm256_set1_epi32(start_low[t] * 4), high[t] = _mm256_set1_epi32(start_high[t] * 4);
        }
        for (int k = 0; k < 8; k++) {
            __m256i quad = ft__avx2_quad(codes + 32 * half, k, format);
            for (int t = 0; t < n_n; t++) {
                __m256i four = ft__avx2_dot4(quad, _mm256_set1_epi32(q[k * n_t + t]), format);
                if (q6 && k >= 4) high[t] = _mm256_add_epi32(high[t], four);
                else dot[t] = _mm256_add_epi32(dot[t], four);
            }
        }
        __m256 ws = ft__avx2_scales(scales, b, half, &wm, &s0, &s1, format);
        for (int t = 0; t < n_n; t++) {
            __m256 x = _mm256_set1_ps(xs[t]);
            __m256i isum = dot[t];
            if (q6) isum = _mm256_add_epi32(_mm256_mullo_epi32(isum, s0), _mm256_mullo_epi32(high[t], s1));
            acc[t] = _mm256_add_ps(acc[t], _mm256_mul_ps(_mm256_mul_ps(ws, x), _mm256_cvtepi32_ps(isum)));
            if (format != FT__FORMAT_Q4_K) continue;
            acc[t] = _mm256_sub_ps(acc[t], _mm256_mul_ps(_mm256_mul_ps(wm, x), _mm256_set1_ps(sum[t])));
        }
    }
    for (int t = 0; t < n_n; t++) {
        float *to = out + (size_t)t * ld;
        if (!first) acc[t] = _mm256_add_ps(_mm256_loadu_ps(to), acc[t]);
        _mm256_storeu_ps(to, acc[t]);
    }
}

FT__AVX2_INLINE void ft__avx2_packed(const uint8_t *w, size_t group_bytes, int n_groups, const ft__acts *a,
                                     float *out, size_t ld, int format) {
    const int n_blocks = a->n_cols / FT__BLOCK, per_chunk = FT__CHUNK / FT__BLOCK;
    const size_t code_bytes = ft__pack_code_bytes(format);
    const size_t scale_bytes = ft__pack_scale_bytes(format);
    for (int half = 0; half < 2 * n_groups; half++) {
        const uint8_t *group = w + (size_t)(half / 2) * group_bytes, *scales = group + (size_t)n_blocks * code_bytes;
        for (int b = 0; b < n_blocks; b += per_chunk) {
            const uint8_t *codes = group + (size_t)b * code_bytes, *s = scales + (size_t)b * scale_bytes;
            const int n = n_blocks - b < per_chunk ? n_blocks - b : per_chunk;
            for (int t = 0; t < a->n_tokens; t += FT__TILE_TOKENS) {
                const int n_t = a->n_tokens - t < FT__TILE_TOKENS ? a->n_tokens - t : (int)FT__TILE_TOKENS;
                const uint8_t *tile =
                    a->tiles + ((size_t)t * (size_t)n_blocks + (size_t)n_t * (size_t)b) * FT__TILE_TOKEN_BYTES;
                float *to = out + (size_t)t * ld + 8 * half;
                int i = 0;
                for (; i + 3 <= n_t; i += 3)
                    ft__avx2_tile(codes, s, half % 2, n, tile, n_t, i, b == 0, to + (size_t)i * ld, ld, 3, format);
                for (; i < n_t; i++)
                    ft__avx2_tile(codes, s, half % 2, n, tile, n_t, i, b == 0, to + (size_t)i * ld, ld, 1, format);
            }
        }
    }
}

FT__AVX2 static void ft__packed_q8_0_avx2(const uint8_t *w, size_t group_bytes, int n_groups,
                                          const ft__acts *a, float *out, size_t ld) {
    ft__avx2_packed(w, group_bytes, n_groups, a, out, ld, FT__FORMAT_Q8_0);
}

FT__AVX2 static void ft__packed_q4_0_avx2(const uint8_t *w, size_t group_bytes, int n_groups,
                                          const ft__acts *a, float *out, size_t ld) {
    ft__avx2_packed(w, group_bytes, n_groups, a, out, ld, FT__FORMAT_Q4_0);
}

FT__AVX2 static void ft__packed_q4_k_avx2(const uint8_t *w, size_t group_bytes, int n_groups,
                                          const ft__acts *a, float *out, size_t ld) {
    ft__avx2_packed(w, group_bytes, n_groups, a, out, ld, FT__FORMAT_Q4_K);
}

FT__AVX2 static void ft__packed_q6_k_avx2(const uint8_t *w, size_t group_bytes, int n_groups,
                                          const ft__acts *a, float *out, size_t ld) {
    ft__avx2_packed(w, group_bytes, n_groups, a, out, ld, FT__FORMAT_Q6_K);
}

/* Eight outputs side by side, the tree over the rank from register to register. */
FT__AVX2 static void ft__low_rank_avx2(const float *b, int rank, int n_out, const float *low, int n_tokens,
                                       float factor, float *out, size_t ld) {
    const int n_p = rank < FT__PARTIALS ? rank : (int)FT__PARTIALS;
    for (int r = 0; r < n_out; r += 8) {
        const int n = n_out - r < 8 ? n_out - r : 8;
        const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
        for (int t = 0; t < n_tokens; t++) {
            const float *x = low + (size_t)t * (size_t)rank;
            float *to = out + (size_t)t * ld + r;
            __m256 p[FT__PARTIALS];
            for (int k = 0; k < rank; k++) {
                __m256 w = _mm256_maskload_ps(b + (size_t)k * (size_t)n_out + r, mask);
                __m256 product = _mm256_mul_ps(w, _mm256_set1_ps(x[k]));
                p[k % FT__PARTIALS] = k < FT__PARTIALS ? product : _mm256_add_ps(p[k % FT__PARTIALS], product);
            }
            for (int half = FT__PARTIALS / 2; half > 0; half /= 2)
                for (int i = 0; i < half && i + half < n_p; i++) p[i] = _mm256_add_ps(p[i], p[i + half]);
            __m256 sum = _mm256_mul_ps(_mm256_set1_ps(factor), p[0]);
            _mm256_maskstore_ps(to, mask, _mm256_add_ps(_mm256_maskload_ps(to, mask), sum));
        }
    }
}

/* Keys across lanes: 64 keys are eight registers, each an independent chain over d. */
FT__AVX2 static void ft__scores_avx2(const float *q, int n_q, const float *keys, int head_dim, float scale,
                                     float *s) {
    for (int h = 0; h < n_q; h++, q += head_dim, s += FT__TILE) {
        const float *k = keys;
        __m256 sum[8];
        for (int g = 0; g < 8; g++) sum[g] = _mm256_setzero_ps();
        for (int d = 0; d < head_dim; d++, k += FT__TILE) {
            __m256 qd = _mm256_set1_ps(q[d]);
            for (int g = 0; g < 8; g++)
                sum[g] = _mm256_add_ps(sum[g], _mm256_mul_ps(qd, _mm256_loadu_ps(k + 8 * g)));
        }
        for (int g = 0; g < 8; g++)
            _mm256_storeu_ps(s + 8 * g, _mm256_mul_ps(sum[g], _mm256_set1_ps(scale)));
    }
}

FT__AVX2 static float ft__softmax_avx2(float s[64], int lo, int hi, float max) {
    __m256 p[8];
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (int g = 0; g < 8; g++) {
        __m256i j = _mm256_add_epi32(lanes, _mm256_set1_epi32(8 * g));
        __m256i seen = _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(lo), j),
                                           _mm256_cmpgt_epi32(_mm256_set1_epi32(hi), j));
        p[g] = ft__avx2_exp(_mm256_sub_ps(_mm256_loadu_ps(s + 8 * g), _mm256_set1_ps(max)));
        p[g] = _mm256_and_ps(p[g], _mm256_castsi256_ps(seen));
        _mm256_storeu_ps(s + 8 * g, p[g]);
    }
    return ft__avx2_tree64(p);
}

/* Dimensions across lanes, 32 and then 8 of them at a time held in registers over all keys. */
FT__AVX2 static void ft__values_avx2(float *o, int n_q, const float *p, const float *v, int lo, int hi,
                                     int head_dim) {
    for (int h = 0; h < n_q; h++, o += head_dim, p += FT__TILE) {
        int d = 0;
        for (int step; (step = head_dim - d >= 32 ? 4 : 1), d + 8 * step <= head_dim; d += 8 * step) {
            __m256 sum[4];
            for (int g = 0; g < step; g++) sum[g] = _mm256_loadu_ps(o + d + 8 * g);
            for (int j = lo; j < hi; j++) {
                __m256 weight = _mm256_set1_ps(p[j]);
                for (int g = 0; g < step; g++) {
                    __m256 x = _mm256_loadu_ps(v + j * head_dim + d + 8 * g);
                    sum[g] = _mm256_add_ps(sum[g], _mm256_mul_ps(weight, x));
                }
            }
            for (int g = 0; g < step; g++) _mm256_storeu_ps(o + d + 8 * g, sum[g]);
        }
        for (; d < head_dim; d++)
            for (int j = lo; j < hi; j++) o[d] = o[d] + p[j] * v[j * head_dim + d];
    }
}

FT__AVX2 static void ft__widen_avx2(const uint16_t *half, float *out, int n) {
    int i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(half + i))));
    for (; i < n; i++) out[i] = ft__f16_to_f32(half[i]);
}

FT__AVX2_INLINE __m256 ft__avx2_silu_mul(__m256 gate, __m256 up) {
    __m256 negative = _mm256_sub_ps(_mm256_setzero_ps(), gate);
    negative = _mm256_min_ps(negative, _mm256_set1_ps(80.0f));
    __m256 below = _mm256_add_ps(_mm256_set1_ps(1.0f), ft__avx2_exp(negative));
    return _mm256_mul_ps(_mm256_mul_ps(gate, ft__avx2_recip(below)), up);
}

FT__AVX2 static void ft__silu_mul_avx2(float *gate, const float *up, int n) {
    int i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 result = ft__avx2_silu_mul(_mm256_loadu_ps(gate + i), _mm256_loadu_ps(up + i));
        _mm256_storeu_ps(gate + i, result);
    }
    if (i == n) return;
    float g[8] = {0}, u[8] = {0};
    size_t rest = (size_t)(n - i) * sizeof *g;
    memcpy(g, gate + i, rest);
    memcpy(u, up + i, rest);
    _mm256_storeu_ps(g, ft__avx2_silu_mul(_mm256_loadu_ps(g), _mm256_loadu_ps(u)));
    memcpy(gate + i, g, rest);
}

FT__PRIV void ft__kernels_avx2(ft__kernels *k) {
    k->rows[FT__FORMAT_F32] = ft__rows_f32_avx2;
    k->rows[FT__FORMAT_F16] = ft__rows_f16_avx2;
    k->rows[FT__FORMAT_BF16] = ft__rows_bf16_avx2;
    k->rows[FT__FORMAT_Q8_0] = ft__rows_q8_0_avx2;
    k->rows[FT__FORMAT_Q4_0] = ft__rows_q4_0_avx2;
    k->rows[FT__FORMAT_Q4_K] = ft__rows_q4_k_avx2;
    k->rows[FT__FORMAT_Q6_K] = ft__rows_q6_k_avx2;
    k->quantize = ft__quantize_avx2;
    k->tile = ft__tile_avx2;
    k->sum_squares = ft__sum_squares_avx2;
    k->add = ft__add_avx2;
    k->scale = ft__scale_avx2;
    k->rope = ft__rope_avx2;
    k->max = ft__max_avx2;
    k->packed[FT__FORMAT_Q8_0] = ft__packed_q8_0_avx2;
    k->packed[FT__FORMAT_Q4_0] = ft__packed_q4_0_avx2;
    k->packed[FT__FORMAT_Q4_K] = ft__packed_q4_k_avx2;
    k->packed[FT__FORMAT_Q6_K] = ft__packed_q6_k_avx2;
    k->low_rank = ft__low_rank_avx2;
    k->scores = ft__scores_avx2;
    k->softmax = ft__softmax_avx2;
    k->values = ft__values_avx2;
    k->widen = ft__widen_avx2;
    k->silu_mul = ft__silu_mul_avx2;
}

#undef FT__AVX2
#undef FT__AVX2_INLINE
#else
FT__PRIV void ft__kernels_avx2(ft__kernels *k) { (void)k; }
#endif
/* ---- end src/num/kern_avx2.c */
/* ---- begin src/num/kern_avx512.c */
/* The kernels' twins for AVX-512 with VNNI.  Sixteen rows, keys, dimensions or partial sums lie across a
   register; the packed layout (pack.c) was made for this.  Integer dots are one instruction for four
   products, exact and without saturation.

   Inline assembly for that one instruction: gcc 12 copies the accumulator around the intrinsic.  The
   `unroll` pragmas turn small arrays of registers into registers. */

#if defined(__x86_64__)
#include <immintrin.h>

/* gcc 12 warns of its own intrinsics under -march=native (its bug 105593). */
#if !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#define FT__AVX512_ISA "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,f16c"
#define FT__AVX512 __attribute__((target(FT__AVX512_ISA)))
#define FT__AVX512_INLINE static inline __attribute__((target(FT__AVX512_ISA), always_inline))
#define FT__AVX512_DOT(acc, w, x) __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(w), "v"(x))

/* ---- packed weights */

/* Quad k of a block of one group: the same four inputs of 16 rows, unsigned. */
FT__AVX512_INLINE __m512i ft__avx512_quad(const uint8_t *codes, int k, int format) {
    if (format == FT__FORMAT_Q8_0) return _mm512_loadu_si512(codes + 64 * k);
    __m512i both = _mm512_loadu_si512(codes + 64 * (k % 4));
    __m512i low = _mm512_and_si512(k < 4 ? both : _mm512_srli_epi16(both, 4), _mm512_set1_epi8(15));
    if (format != FT__FORMAT_Q6_K) return low;
    __m512i bits = _mm512_loadu_si512(codes + 256 + 64 * (k / 4));
    bits = k % 4 < 2 ? _mm512_slli_epi16(bits, 4 - 2 * (k % 4)) : _mm512_srli_epi16(bits, 2 * (k % 4) - 4);
    return _mm512_ternarylogic_epi64(low, bits, _mm512_set1_epi8(0x30), 0xF8); /* a | (b & c) */
}

FT__AVX512_INLINE __m512 ft__avx512_halves(const uint8_t *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

FT__AVX512_INLINE __m512i ft__avx512_bytes(const uint8_t *p, bool is_signed) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    return is_signed ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes);
}

/* Scales of block b of 16 rows: ws, for Q4_K also those of the minimums, for Q6_K the integer scales of
   the two halves. */
FT__AVX512_INLINE __m512 ft__avx512_scales(const uint8_t *s, int b, __m512 *wm, __m512i *s0, __m512i *s1,
                                           int format) {
    if (format == FT__FORMAT_Q8_0 || format == FT__FORMAT_Q4_0) return ft__avx512_halves(s + 32 * (size_t)b);
    if (format == FT__FORMAT_Q4_K) {
        s += 320 * (size_t)(b / 8);
        __m512 scale = _mm512_cvtepi32_ps(ft__avx512_bytes(s + 64 + 16 * (b % 8), false));
        __m512 min = _mm512_cvtepi32_ps(ft__avx512_bytes(s + 192 + 16 * (b % 8), false));
        *wm = _mm512_mul_ps(ft__avx512_halves(s + 32), min);
        return _mm512_mul_ps(ft__avx512_halves(s), scale);
    }
    s += 288 * (size_t)(b / 8);
    *s0 = ft__avx512_bytes(s + 32 + 32 * (b % 8), true);
    *s1 = ft__avx512_bytes(s + 48 + 32 * (b % 8), true);
    return ft__avx512_halves(s);
}

/* What an integer sum starts from: the bias times the sum of the activations, negative.  The tile has it
   for a bias of 8. */
FT__AVX512_INLINE __m512i ft__avx512_start(int32_t minus_8_sums, int format) {
    __m512i start = _mm512_set1_epi32(minus_8_sums);
    if (format == FT__FORMAT_Q8_0) return _mm512_slli_epi32(start, 4);
    if (format == FT__FORMAT_Q6_K) return _mm512_slli_epi32(start, 2);
    return format == FT__FORMAT_Q4_0 ? start : _mm512_setzero_si512();
}

/* Where a tile's sum over a chunk goes: sums (n_t, 16 n_g) carry it to the next chunk; the last one writes
   out.  The sums lie together, while neighbours in out are a row of the matrix's outputs apart. */
typedef struct ft__avx512_to {
    float *sums, *out;
    size_t ld;
    bool first, last;
} ft__avx512_to;

/* `n_g` groups of 16 rows times a tile of `n_t` tokens over one chunk.  n_g, n_t and format are constants
   when this is compiled. */
FT__AVX512_INLINE void ft__avx512_tile(const uint8_t *codes, const uint8_t *scales, size_t group_bytes,
                                       int n_blocks, const uint8_t *tile, ft__avx512_to to, int n_g, int n_t,
                                       int format) {
    const bool q6 = format == FT__FORMAT_Q6_K;
    const size_t code_bytes = ft__pack_code_bytes(format);
    __m512 acc[2][6];
#pragma GCC unroll 2
    for (int g = 0; g < n_g; g++)
#pragma GCC unroll 6
        for (int t = 0; t < n_t; t++) acc[g][t] = _mm512_setzero_ps();
    for (int b = 0; b < n_blocks; b++, tile += n_t * FT__TILE_TOKEN_BYTES, codes += code_bytes) {
        const int32_t *q = (const int32_t *)(const void *)tile;
        const float *xs = (const float *)(const void *)(q + 8 * n_t), *sum = xs + n_t;
        const int32_t *start = q + 10 * n_t, *start_low = start + n_t, *start_high = start_low + n_t;
        __m512i dot[2][6], high[2][6], quad[2];
#pragma GCC unroll 2
        for (int g = 0; g < n_g; g++) {
#pragma GCC unroll 6
            for (int t = 0; t < n_t; t++) {
                dot[g][t] = ft__avx512_start(q6 ? start_low[t] : start[t], format);
                if (q6) high[g][t] = ft__avx512_start(start_high[t], format);
            }
        }
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) {
            const int k = format == FT__FORMAT_Q8_0 ? i : i / 2 + 4 * (i % 2); /* nibbles: both of a byte */
#pragma GCC unroll 2
            for (int g = 0; g < n_g; g++)
                quad[g] = ft__avx512_quad(codes + (size_t)g * group_bytes, k, format);
#pragma GCC unroll 6
            for (int t = 0; t < n_t; t++) {
                __m512i x = _mm512_set1_epi32(q[k * n_t + t]);
#pragma GCC unroll 2
                for (int g = 0; g < n_g; g++) {
                    if (q6 && k >= 4) FT__AVX512_DOT(high[g][t], quad[g], x);
                    else FT__AVX512_DOT(dot[g][t], quad[g], x);
                }
            }
        }
#pragma GCC unroll 2
        for (int g = 0; g < n_g; g++) {
            __m512 wm = _mm512_setzero_ps();
            __m512i s0 = _mm512_setzero_si512(), s1 = s0;
            __m512 ws = ft__avx512_scales(scales + (size_t)g * group_bytes, b, &wm, &s0, &s1, format);
#pragma GCC unroll 6
            for (int t = 0; t < n_t; t++) {
                __m512 x = _mm512_set1_ps(xs[t]);
                __m512i isum = dot[g][t];
                if (q6) isum = _mm512_add_epi32(_mm512_mullo_epi32(isum, s0), _mm512_mullo_epi32(high[g][t], s1));
                __m512 term = _mm512_mul_ps(_mm512_mul_ps(ws, x), _mm512_cvtepi32_ps(isum));
                acc[g][t] = _mm512_add_ps(acc[g][t], term);
                if (format != FT__FORMAT_Q4_K) continue;
                term = _mm512_mul_ps(_mm512_mul_ps(wm, x), _mm512_set1_ps(sum[t]));
                acc[g][t] = _mm512_sub_ps(acc[g][t], term);
            }
        }
    }
#pragma GCC unroll 2
    for (int g = 0; g < n_g; g++) {
#pragma GCC unroll 6
        for (int t = 0; t < n_t; t++) {
            float *sum = to.sums + 16 * (t * n_g + g);
            if (!to.first) acc[g][t] = _mm512_add_ps(_mm512_load_ps(sum), acc[g][t]);
            if (to.last) _mm512_storeu_ps(to.out + (size_t)t * to.ld + 16 * g, acc[g][t]);
            else _mm512_store_ps(sum, acc[g][t]);
        }
    }
}

enum { FT__AVX512_TOKENS = 48 }; /* tokens that pass while a chunk of weights stays in the first cache */

/* One or two groups times some tokens, chunk by chunk. */
FT__AVX512_INLINE void ft__avx512_groups(const uint8_t *w, size_t group_bytes, const ft__acts *a, int first,
                                         int n_tokens, float *out, size_t ld, int n_g, int format) {
    const int n_blocks = a->n_cols / FT__BLOCK, per_chunk = FT__CHUNK / FT__BLOCK;
    const size_t code_bytes = ft__pack_code_bytes(format);
    const size_t scale_bytes = ft__pack_scale_bytes(format);
    const uint8_t *scales = w + (size_t)n_blocks * code_bytes;
    float sums[FT__AVX512_TOKENS * 32] __attribute__((aligned(64)));
    for (int b = 0; b < n_blocks; b += per_chunk) {
        const uint8_t *codes = w + (size_t)b * code_bytes, *s = scales + (size_t)b * scale_bytes;
        const int n = n_blocks - b < per_chunk ? n_blocks - b : per_chunk;
        for (int t = 0; t < n_tokens; t += FT__TILE_TOKENS) {
            const int n_t = n_tokens - t < FT__TILE_TOKENS ? n_tokens - t : (int)FT__TILE_TOKENS;
            const size_t at = (size_t)(first + t) * (size_t)n_blocks + (size_t)n_t * (size_t)b;
            const uint8_t *tile = a->tiles + at * FT__TILE_TOKEN_BYTES;
            const ft__avx512_to to = {sums + 32 * t, out + (size_t)t * ld, ld, b == 0, b + n == n_blocks};
            switch (n_t) {
            case 1: ft__avx512_tile(codes, s, group_bytes, n, tile, to, n_g, 1, format); break;
            case 2: ft__avx512_tile(codes, s, group_bytes, n, tile, to, n_g, 2, format); break;
            case 3: ft__avx512_tile(codes, s, group_bytes, n, tile, to, n_g, 3, format); break;
            case 4: ft__avx512_tile(codes, s, group_bytes, n, tile, to, n_g, 4, format); break;
            case 5: ft__avx512_tile(codes, s, group_bytes, n, tile, to, n_g, 5, format); break;
            default: ft__avx512_tile(codes, s, group_bytes, n, tile, to, n_g, 6, format); break;
            }
        }
    }
}

FT__AVX512_INLINE void ft__avx512_packed(const uint8_t *w, size_t group_bytes, int n_groups,
                                         const ft__acts *a, float *out, size_t ld, int format) {
    for (int g = 0; g < n_groups; g += 2, w += 2 * group_bytes) {
        for (int t = 0; t < a->n_tokens; t += FT__AVX512_TOKENS) {
            const int n = a->n_tokens - t < FT__AVX512_TOKENS ? a->n_tokens - t : (int)FT__AVX512_TOKENS;
            float *to = out + (size_t)t * ld + 16 * g;
            if (g + 1 < n_groups) ft__avx512_groups(w, group_bytes, a, t, n, to, ld, 2, format);
            else ft__avx512_groups(w, group_bytes, a, t, n, to, ld, 1, format);
        }
    }
}

FT__AVX512 static void ft__packed_q8_0_avx512(const uint8_t *w, size_t group_bytes, int n_groups,
                                              const ft__acts *a, float *out, size_t ld) {
    ft__avx512_packed(w, group_bytes, n_groups, a, out, ld, FT__FORMAT_Q8_0);
}

FT__AVX512 static void ft__packed_q4_0_avx512(const uint8_t *w, size_t group_bytes, int n_groups,
                                              const ft__acts *a, float *out, size_t ld) {
    ft__avx512_packed(w, group_bytes, n_groups, a, out, ld, FT__FORMAT_Q4_0);
}

FT__AVX512 static void ft__packed_q4_k_avx512(const uint8_t *w, size_t group_bytes, int n_groups,
                                              const ft__acts *a, float *out, size_t ld) {
    ft__avx512_packed(w, group_bytes, n_groups, a, out, ld, FT__FORMAT_Q4_K);
}

FT__AVX512 static void ft__packed_q6_k_avx512(const uint8_t *w, size_t group_bytes, int n_groups,
                                              const ft__acts *a, float *out, size_t ld) {
    ft__avx512_packed(w, group_bytes, n_groups, a, out, ld, FT__FORMAT_Q6_K);
}

/* ---- float weights: 64 partial sums in four registers */

FT__AVX512_INLINE __m512 ft__avx512_weights(const uint8_t *row, int i, int format) {
    if (format == FT__FORMAT_F32) return _mm512_loadu_ps(row + 4 * (size_t)i);
    __m256i half = _mm256_loadu_si256((const __m256i *)(const void *)(row + 2 * (size_t)i));
    if (format == FT__FORMAT_F16) return _mm512_cvtph_ps(half);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

/* The same for the last elements of a row: lanes beyond the end are zeros, which add nothing. */
FT__AVX512_INLINE __m512 ft__avx512_weights_end(const uint8_t *row, int i, int n, int format) {
    const __mmask16 mask = (__mmask16)((1u << (n - i < 16 ? n - i : 16)) - 1);
    if (format == FT__FORMAT_F32) return _mm512_maskz_loadu_ps(mask, row + 4 * (size_t)i);
    __m256i half = _mm256_maskz_loadu_epi16(mask, row + 2 * (size_t)i);
    if (format == FT__FORMAT_F16) return _mm512_cvtph_ps(half);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

/* 32, 16, then within the register 8, 4, 2, 1. */
FT__AVX512_INLINE float ft__avx512_tree(const __m512 p[4]) {
    __m512 s = _mm512_add_ps(_mm512_add_ps(p[0], p[2]), _mm512_add_ps(p[1], p[3]));
    __m256 e = _mm256_add_ps(_mm512_extractf32x8_ps(s, 0), _mm512_extractf32x8_ps(s, 1));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    q = _mm_add_ss(q, _mm_shuffle_ps(q, q, 1));
    return _mm_cvtss_f32(q);
}

/* One row times n_t tokens. */
FT__AVX512_INLINE void ft__avx512_dots(const uint8_t *row, const float *x, int n, float *out, size_t ld,
                                       int n_t, int format) {
    __m512 p[4][4];
#pragma GCC unroll 4
    for (int t = 0; t < n_t; t++)
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++) p[t][g] = _mm512_setzero_ps();
    int i = 0;
    for (; i + FT__PARTIALS <= n; i += FT__PARTIALS) {
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++) {
            __m512 w = ft__avx512_weights(row, i + 16 * g, format);
#pragma GCC unroll 4
            for (int t = 0; t < n_t; t++) {
                __m512 product = _mm512_mul_ps(w, _mm512_loadu_ps(x + (size_t)t * (size_t)n + i + 16 * g));
                p[t][g] = _mm512_add_ps(p[t][g], product);
            }
        }
    }
#pragma GCC unroll 4
    for (int g = 0; g < 4; g++) {
        if (i + 16 * g >= n) continue;
        __m512 w = ft__avx512_weights_end(row, i + 16 * g, n, format);
#pragma GCC unroll 4
        for (int t = 0; t < n_t; t++) {
            const uint8_t *xt = (const uint8_t *)(x + (size_t)t * (size_t)n);
            __m512 product = _mm512_mul_ps(w, ft__avx512_weights_end(xt, i + 16 * g, n, FT__FORMAT_F32));
            p[t][g] = _mm512_add_ps(p[t][g], product);
        }
    }
#pragma GCC unroll 4
    for (int t = 0; t < n_t; t++) out[(size_t)t * ld] = ft__avx512_tree(p[t]);
}

enum { FT__AVX512_ROWS = 8 }; /* rows that meet four tokens while these are in the first cache */

FT__AVX512_INLINE void ft__avx512_rows(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                       float *out, size_t ld, int format) {
    const int n = a->n_cols;
    for (int first = 0; first < n_rows; first += FT__AVX512_ROWS) {
        const int end = n_rows - first < FT__AVX512_ROWS ? n_rows : first + FT__AVX512_ROWS;
        for (int t = 0; t < a->n_tokens;) {
            const int n_t = a->n_tokens - t >= 4 ? 4 : 1;
            const float *x = a->x + (size_t)t * (size_t)n;
            for (int r = first; r < end; r++) {
                const uint8_t *row = w + (size_t)r * row_bytes;
                float *to = out + (size_t)t * ld + r;
                if (n_t == 4) ft__avx512_dots(row, x, n, to, ld, 4, format);
                else ft__avx512_dots(row, x, n, to, ld, 1, format);
            }
            t += n_t;
        }
    }
}

FT__AVX512 static void ft__rows_f32_avx512(const uint8_t *w, size_t row_bytes, int n_rows,
                                           const ft__acts *a, float *out, size_t ld) {
    ft__avx512_rows(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_F32);
}

FT__AVX512 static void ft__rows_f16_avx512(const uint8_t *w, size_t row_bytes, int n_rows,
                                           const ft__acts *a, float *out, size_t ld) {
    ft__avx512_rows(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_F16);
}

FT__AVX512 static void ft__rows_bf16_avx512(const uint8_t *w, size_t row_bytes, int n_rows,
                                            const ft__acts *a, float *out, size_t ld) {
    ft__avx512_rows(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_BF16);
}

/* ---- low-rank deltas: 16 outputs side by side, the tree over the rank from register to register */

/* Up to 64 ranks of 16 outputs: the rank is a constant where it is a usual one. */
FT__AVX512_INLINE void ft__avx512_low_rank(const float *b, size_t n_out, __mmask16 mask, int rank,
                                           const float *low, int n_tokens, float factor, float *out, size_t ld) {
    __m512 w[FT__PARTIALS], p[FT__PARTIALS];
    for (int k = 0; k < rank; k++) w[k] = _mm512_maskz_loadu_ps(mask, b + (size_t)k * n_out);
    for (int t = 0; t < n_tokens; t++, low += rank, out += ld) {
        for (int k = 0; k < rank; k++) p[k] = _mm512_mul_ps(w[k], _mm512_set1_ps(low[k]));
        for (int half = FT__PARTIALS / 2; half > 0; half /= 2)
            for (int i = 0; i < half && i + half < rank; i++) p[i] = _mm512_add_ps(p[i], p[i + half]);
        __m512 sum = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, out), _mm512_mul_ps(_mm512_set1_ps(factor), p[0]));
        _mm512_mask_storeu_ps(out, mask, sum);
    }
}

/* Any rank: partial k takes ranks k, k + 64, ... */
FT__AVX512_INLINE void ft__avx512_high_rank(const float *b, size_t n_out, __mmask16 mask, int rank,
                                            const float *low, int n_tokens, float factor, float *out, size_t ld) {
    for (int t = 0; t < n_tokens; t++, low += rank, out += ld) {
        __m512 p[FT__PARTIALS];
        for (int k = 0; k < rank; k++) {
            __m512 w = _mm512_maskz_loadu_ps(mask, b + (size_t)k * n_out);
            __m512 product = _mm512_mul_ps(w, _mm512_set1_ps(low[k]));
            p[k % FT__PARTIALS] = k < FT__PARTIALS ? product : _mm512_add_ps(p[k % FT__PARTIALS], product);
        }
        for (int half = FT__PARTIALS / 2; half > 0; half /= 2)
            for (int i = 0; i < half; i++) p[i] = _mm512_add_ps(p[i], p[i + half]);
        __m512 sum = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, out), _mm512_mul_ps(_mm512_set1_ps(factor), p[0]));
        _mm512_mask_storeu_ps(out, mask, sum);
    }
}

FT__AVX512 static void ft__low_rank_avx512(const float *b, int rank, int n_out, const float *low,
                                           int n_tokens, float factor, float *out, size_t ld) {
    enum { AT_ONCE = 16 }; /* tokens whose outputs stay in reach of the caches */
    const size_t stride = (size_t)n_out;
    for (int t = 0; t < n_tokens; t += AT_ONCE) {
        const int n = n_tokens - t < AT_ONCE ? n_tokens - t : (int)AT_ONCE;
        const float *x = low + (size_t)t * (size_t)rank;
        for (int r = 0; r < n_out; r += 16) {
            const __mmask16 mask = (__mmask16)((1u << (n_out - r < 16 ? n_out - r : 16)) - 1);
            float *to = out + (size_t)t * ld + r;
            if (rank == 8) ft__avx512_low_rank(b + r, stride, mask, 8, x, n, factor, to, ld);
            else if (rank == 16) ft__avx512_low_rank(b + r, stride, mask, 16, x, n, factor, to, ld);
            else if (rank <= FT__PARTIALS) ft__avx512_low_rank(b + r, stride, mask, rank, x, n, factor, to, ld);
            else ft__avx512_high_rank(b + r, stride, mask, rank, x, n, factor, to, ld);
        }
    }
}

/* ---- attention */

FT__AVX512_INLINE __m512 ft__avx512_exp(__m512 x) {
    const __mmask16 keep = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-87.0f), _CMP_GE_OQ);
    const __m512 magic = _mm512_set1_ps(12582912.0f);
    x = _mm512_min_ps(x, _mm512_set1_ps(88.0f));
    x = _mm512_max_ps(x, _mm512_set1_ps(-87.0f));
    __m512 shifted = _mm512_add_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), magic);
    __m512 n = _mm512_sub_ps(shifted, magic);
    __m512 r = _mm512_sub_ps(x, _mm512_mul_ps(n, _mm512_set1_ps(0.693359375f)));
    r = _mm512_sub_ps(r, _mm512_mul_ps(n, _mm512_set1_ps(-2.12194440e-4f)));
    __m512 p = _mm512_set1_ps(0.0013942160876467824f);
    p = _mm512_add_ps(_mm512_mul_ps(p, r), _mm512_set1_ps(0.008363775908946991f));
    p = _mm512_add_ps(_mm512_mul_ps(p, r), _mm512_set1_ps(0.041666362434625626f));
    p = _mm512_add_ps(_mm512_mul_ps(p, r), _mm512_set1_ps(0.16666573286056519f));
    p = _mm512_add_ps(_mm512_mul_ps(p, r), _mm512_set1_ps(0.5f));
    p = _mm512_mul_ps(p, _mm512_mul_ps(r, r));
    p = _mm512_add_ps(p, r);
    p = _mm512_add_ps(p, _mm512_set1_ps(1.0f));
    __m512i power = _mm512_sub_epi32(_mm512_castps_si512(shifted), _mm512_set1_epi32(0x4B400000 - 127));
    return _mm512_maskz_mul_ps(keep, p, _mm512_castsi512_ps(_mm512_slli_epi32(power, 23)));
}

FT__AVX512_INLINE __m512 ft__avx512_silu_mul(__m512 gate, __m512 up) {
    const __m512 two = _mm512_set1_ps(2.0f);
    __m512 negative = _mm512_min_ps(_mm512_sub_ps(_mm512_setzero_ps(), gate), _mm512_set1_ps(80.0f));
    __m512 below = _mm512_add_ps(_mm512_set1_ps(1.0f), ft__avx512_exp(negative));
    __m512 y = _mm512_castsi512_ps(_mm512_sub_epi32(_mm512_set1_epi32(0x7EF311C3), _mm512_castps_si512(below)));
    for (int i = 0; i < 3; i++) y = _mm512_mul_ps(y, _mm512_sub_ps(two, _mm512_mul_ps(below, y)));
    return _mm512_mul_ps(_mm512_mul_ps(gate, y), up);
}

FT__AVX512 static void ft__silu_mul_avx512(float *gate, const float *up, int n) {
    for (int i = 0; i < n; i += 16) {
        const __mmask16 mask = (__mmask16)((1u << (n - i < 16 ? n - i : 16)) - 1);
        __m512 g = _mm512_maskz_loadu_ps(mask, gate + i), u = _mm512_maskz_loadu_ps(mask, up + i);
        _mm512_mask_storeu_ps(gate + i, mask, ft__avx512_silu_mul(g, u));
    }
}

/* n_q queries against 64 keys: every product's key vector is loaded once for all of them. */
FT__AVX512_INLINE void ft__avx512_scores(const float *q, const float *k, int head_dim, float scale,
                                         float *s, int n_q) {
    __m512 sum[4][4];
#pragma GCC unroll 4
    for (int h = 0; h < n_q; h++)
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++) sum[h][g] = _mm512_setzero_ps();
    for (int d = 0; d < head_dim; d++, k += FT__TILE) {
        __m512 key[4];
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++) key[g] = _mm512_loadu_ps(k + 16 * g);
#pragma GCC unroll 4
        for (int h = 0; h < n_q; h++) {
            __m512 x = _mm512_set1_ps(q[h * head_dim + d]);
#pragma GCC unroll 4
            for (int g = 0; g < 4; g++) sum[h][g] = _mm512_add_ps(sum[h][g], _mm512_mul_ps(x, key[g]));
        }
    }
#pragma GCC unroll 4
    for (int h = 0; h < n_q; h++)
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++)
            _mm512_storeu_ps(s + h * FT__TILE + 16 * g, _mm512_mul_ps(sum[h][g], _mm512_set1_ps(scale)));
}

FT__AVX512 static void ft__scores_avx512(const float *q, int n_q, const float *k, int head_dim, float scale,
                                         float *s) {
    int h = 0;
    for (; h + 4 <= n_q; h += 4) ft__avx512_scores(q + h * head_dim, k, head_dim, scale, s + h * FT__TILE, 4);
    for (; h < n_q; h++) ft__avx512_scores(q + h * head_dim, k, head_dim, scale, s + h * FT__TILE, 1);
}

FT__AVX512 static float ft__softmax_avx512(float s[64], int lo, int hi, float max) {
    const uint64_t below_hi = hi >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << hi) - 1;
    const uint64_t seen = below_hi & ~(((uint64_t)1 << lo) - 1);
    __m512 p[4];
    for (int g = 0; g < 4; g++) {
        p[g] = ft__avx512_exp(_mm512_sub_ps(_mm512_loadu_ps(s + 16 * g), _mm512_set1_ps(max)));
        p[g] = _mm512_maskz_mov_ps((__mmask16)(seen >> (16 * g)), p[g]);
        _mm512_storeu_ps(s + 16 * g, p[g]);
    }
    return ft__avx512_tree(p);
}

/* 64 dimensions (or the rest, masked) of n_q outputs in registers while the keys pass. */
FT__AVX512_INLINE void ft__avx512_values(float *o, const float *p, const float *v, int lo, int hi,
                                         int head_dim, int n_d, int n_q) {
    __m512 sum[4][4];
    __mmask16 mask[4];
#pragma GCC unroll 4
    for (int g = 0; g < 4; g++) {
        int left = n_d - 16 * g;
        mask[g] = (__mmask16)(left >= 16 ? 0xFFFF : left <= 0 ? 0 : (1u << left) - 1);
#pragma GCC unroll 4
        for (int h = 0; h < n_q; h++) sum[h][g] = _mm512_maskz_loadu_ps(mask[g], o + h * head_dim + 16 * g);
    }
    for (int j = lo; j < hi; j++) {
        __m512 value[4];
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++) value[g] = _mm512_maskz_loadu_ps(mask[g], v + j * head_dim + 16 * g);
#pragma GCC unroll 4
        for (int h = 0; h < n_q; h++) {
            __m512 weight = _mm512_set1_ps(p[h * FT__TILE + j]);
#pragma GCC unroll 4
            for (int g = 0; g < 4; g++) sum[h][g] = _mm512_add_ps(sum[h][g], _mm512_mul_ps(weight, value[g]));
        }
    }
#pragma GCC unroll 4
    for (int h = 0; h < n_q; h++)
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++) _mm512_mask_storeu_ps(o + h * head_dim + 16 * g, mask[g], sum[h][g]);
}

FT__AVX512 static void ft__values_avx512(float *o, int n_q, const float *p, const float *v, int lo, int hi,
                                         int head_dim) {
    for (int d = 0; d < head_dim; d += 64) {
        const int n_d = head_dim - d;
        int h = 0;
        for (; h + 4 <= n_q; h += 4)
            ft__avx512_values(o + h * head_dim + d, p + h * FT__TILE, v + d, lo, hi, head_dim, n_d, 4);
        for (; h < n_q; h++)
            ft__avx512_values(o + h * head_dim + d, p + h * FT__TILE, v + d, lo, hi, head_dim, n_d, 1);
    }
}

FT__AVX512 static void ft__widen_avx512(const uint16_t *half, float *out, int n) {
    int i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i h = _mm256_loadu_si256((const __m256i *)(const void *)(half + i));
        _mm512_storeu_ps(out + i, _mm512_cvtph_ps(h));
    }
    for (; i < n; i++) out[i] = ft__f16_to_f32(half[i]);
}

FT__PRIV void ft__kernels_avx512(ft__kernels *k) {
    k->packed[FT__FORMAT_Q8_0] = ft__packed_q8_0_avx512;
    k->packed[FT__FORMAT_Q4_0] = ft__packed_q4_0_avx512;
    k->packed[FT__FORMAT_Q4_K] = ft__packed_q4_k_avx512;
    k->packed[FT__FORMAT_Q6_K] = ft__packed_q6_k_avx512;
    k->rows[FT__FORMAT_F32] = ft__rows_f32_avx512;
    k->rows[FT__FORMAT_F16] = ft__rows_f16_avx512;
    k->rows[FT__FORMAT_BF16] = ft__rows_bf16_avx512;
    k->low_rank = ft__low_rank_avx512;
    k->scores = ft__scores_avx512;
    k->softmax = ft__softmax_avx512;
    k->values = ft__values_avx512;
    k->widen = ft__widen_avx512;
    k->silu_mul = ft__silu_mul_avx512;
}

#if !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#undef FT__AVX512_ISA
#undef FT__AVX512
#undef FT__AVX512_INLINE
#undef FT__AVX512_DOT
#else
FT__PRIV void ft__kernels_avx512(ft__kernels *k) { (void)k; }
#endif
/* ---- end src/num/kern_avx512.c */
/* ---- begin src/num/kern_neon.c */
/* The scalar kernels' twins for AArch64: NEON, which every such processor has, and the integer dot product
   that most have since ARMv8.2 ("dotprod").  Four rows, keys, dimensions or partial sums lie across a
   register, so no order changes.  A product and a sum of floats stay two instructions (base.h turns fusing
   off, which holds for the intrinsics too), and comparisons select, as in C: the minimum and maximum
   instructions treat a NaN otherwise.

   The dot product is written as a number: assemblers want to be asked for it, each in its own way, and a
   function with a target of its own cannot take in those that follow the user's -mcpu. */

#if defined(__aarch64__)
#include <arm_neon.h>

#define FT__NEON_INLINE static inline __attribute__((always_inline))
/* sdot acc.4s, w.16b, x.16b; the symbols turn the names of the chosen registers into their numbers. */
#define FT__DOTPROD_DOT(acc, w, x)                                                                           \
    __asm__(".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n" \
            ".equ .Lft_v\\n, \\n\n"                                                                          \
            ".endr\n\t"                                                                                      \
            ".inst 0x4e809400 + .Lft_%0 + (.Lft_%1 << 5) + (.Lft_%2 << 16)"                                  \
            : "+w"(acc) : "w"(w), "w"(x))

/* gcc moves nothing across this: it would load all of a block first and run out of registers. */
#define FT__NEON_FENCE() __asm__ volatile("")

FT__NEON_INLINE float32x4_t ft__neon_halves(const uint16_t *p) {
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}

/* ---- packed weights: a quarter of a group in a register */

enum { FT__NEON_TOKENS = 3 }; /* of a tile at a time */

/* Quad k of four rows: unsigned codes, but signed ones for Q8_0. */
FT__NEON_INLINE int8x16_t ft__neon_quad(const uint8_t *codes, int k, int format) {
    uint8x16_t both = vld1q_u8(codes + 64 * (format == FT__FORMAT_Q8_0 ? k : k % 4));
    if (format == FT__FORMAT_Q8_0) return vreinterpretq_s8_u8(veorq_u8(both, vdupq_n_u8(0x80)));
    uint8x16_t code = k < 4 ? vandq_u8(both, vdupq_n_u8(15)) : vshrq_n_u8(both, 4);
    if (format == FT__FORMAT_Q6_K) {
        uint8x16_t bits = vld1q_u8(codes + 256 + 64 * (k / 4));
        bits = vshlq_u8(bits, vdupq_n_s8((int8_t)(4 - 2 * (k % 4)))); /* negative: to the right */
        code = vorrq_u8(code, vandq_u8(bits, vdupq_n_u8(0x30)));
    }
    return vreinterpretq_s8_u8(code);
}

FT__NEON_INLINE int8x16_t ft__neon_four(int32_t quad) { return vreinterpretq_s8_s32(vdupq_n_s32(quad)); }

FT__NEON_INLINE int32x4_t ft__neon_bytes(const uint8_t *p, bool is_signed) {
    uint32_t four;
    memcpy(&four, p, 4);
    uint8x8_t bytes = vcreate_u8(four);
    if (is_signed) return vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(bytes))));
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes))));
}

/* The scales of four rows for one block: of the weights, for Q4_K of the minimums, for Q6_K the integer ones
   of the two halves. */
typedef struct ft__neon_scales {
    float32x4_t ws, wm;
    int32x4_t s0, s1;
} ft__neon_scales;

FT__NEON_INLINE float32x4_t ft__neon_f16(const uint8_t *p) {
    return ft__neon_halves((const uint16_t *)(const void *)p);
}

FT__NEON_INLINE ft__neon_scales ft__neon_block_scales(const uint8_t *s, int b, int lane, int format) {
    ft__neon_scales to;
    to.wm = vdupq_n_f32(0);
    to.s0 = to.s1 = vdupq_n_s32(0);
    if (format == FT__FORMAT_Q4_K) {
        s += 320 * (size_t)(b / 8);
        float32x4_t scale = vcvtq_f32_s32(ft__neon_bytes(s + 64 + 16 * (b % 8) + lane, false));
        float32x4_t min = vcvtq_f32_s32(ft__neon_bytes(s + 192 + 16 * (b % 8) + lane, false));
        to.ws = vmulq_f32(ft__neon_f16(s + 2 * lane), scale);
        to.wm = vmulq_f32(ft__neon_f16(s + 32 + 2 * lane), min);
    } else if (format == FT__FORMAT_Q6_K) {
        s += 288 * (size_t)(b / 8);
        to.ws = ft__neon_f16(s + 2 * lane);
        to.s0 = ft__neon_bytes(s + 32 + 32 * (b % 8) + lane, true);
        to.s1 = ft__neon_bytes(s + 48 + 32 * (b % 8) + lane, true);
    } else {
        to.ws = ft__neon_f16(s + 32 * (size_t)b + 2 * lane);
    }
    return to;
}

/* A block's product joins the sum; dot and high are exact sums of codes times activations, the bias still
   inside.  token points at the first word of a token in the block of a tile of n_t. */
FT__NEON_INLINE float32x4_t ft__neon_add(float32x4_t acc, int32x4_t dot, int32x4_t high, ft__neon_scales s,
                                         const int32_t *token, int n_t, int format) {
    const float *floats = (const float *)(const void *)(token + 8 * n_t);
    const int32_t *start = token + 10 * n_t;
    float32x4_t x = vdupq_n_f32(floats[0]);
    if (format == FT__FORMAT_Q4_0) dot = vaddq_s32(dot, vdupq_n_s32(start[0]));
    if (format == FT__FORMAT_Q6_K) {
        dot = vaddq_s32(dot, vdupq_n_s32(4 * start[n_t]));
        high = vaddq_s32(high, vdupq_n_s32(4 * start[2 * n_t]));
        dot = vaddq_s32(vmulq_s32(dot, s.s0), vmulq_s32(high, s.s1));
    }
    acc = vaddq_f32(acc, vmulq_f32(vmulq_f32(s.ws, x), vcvtq_f32_s32(dot)));
    if (format != FT__FORMAT_Q4_K) return acc;
    return vsubq_f32(acc, vmulq_f32(vmulq_f32(s.wm, x), vdupq_n_f32(floats[n_t])));
}

FT__NEON_INLINE void ft__neon_store(float *to, float32x4_t sum, bool first) {
    vst1q_f32(to, first ? sum : vaddq_f32(vld1q_f32(to), sum));
}

/* Sixteen rows times n_n tokens over one chunk: out = (first ? 0 : out) + sum.  tile points at the first of
   them in a tile of n_t; n_n and format are constants when this is compiled. */
FT__NEON_INLINE void ft__dotprod_tokens(const uint8_t *codes, const uint8_t *scales, int n_blocks,
                                        const int32_t *tile, int n_t, bool first, float *out, size_t ld,
                                        int n_n, int format) {
    const bool q6 = format == FT__FORMAT_Q6_K;
    const size_t code_bytes = ft__pack_code_bytes(format);
    float32x4_t acc[4][FT__NEON_TOKENS];
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++)
#pragma GCC unroll 3
        for (int t = 0; t < n_n; t++) acc[v][t] = vdupq_n_f32(0);
    for (int b = 0; b < n_blocks; b++, tile += n_t * FT__TILE_TOKEN_BYTES / 4, codes += code_bytes) {
        int32x4_t dot[4][FT__NEON_TOKENS], high[4][FT__NEON_TOKENS];
#pragma GCC unroll 4
        for (int v = 0; v < 4; v++)
#pragma GCC unroll 3
            for (int t = 0; t < n_n; t++) dot[v][t] = high[v][t] = vdupq_n_s32(0);
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) {
            const int k = format == FT__FORMAT_Q8_0 ? i : i / 2 + 4 * (i % 2); /* nibbles: both of a byte */
            int8x16_t quad[4];
            FT__NEON_FENCE();
#pragma GCC unroll 4
            for (int v = 0; v < 4; v++) quad[v] = ft__neon_quad(codes + 16 * v, k, format);
#pragma GCC unroll 3
            for (int t = 0; t < n_n; t++) {
                int8x16_t x = ft__neon_four(tile[k * n_t + t]);
#pragma GCC unroll 4
                for (int v = 0; v < 4; v++) {
                    if (q6 && k >= 4) FT__DOTPROD_DOT(high[v][t], quad[v], x);
                    else FT__DOTPROD_DOT(dot[v][t], quad[v], x);
                }
            }
        }
#pragma GCC unroll 4
        for (int v = 0; v < 4; v++) {
            ft__neon_scales s = ft__neon_block_scales(scales, b, 4 * v, format);
#pragma GCC unroll 3
            for (int t = 0; t < n_n; t++)
                acc[v][t] = ft__neon_add(acc[v][t], dot[v][t], high[v][t], s, tile + t, n_t, format);
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++)
#pragma GCC unroll 3
        for (int t = 0; t < n_n; t++) ft__neon_store(out + (size_t)t * ld + 4 * v, acc[v][t], first);
}

/* The same for eight rows, beginning with `lane`, without the dot product.  As many products are summed in 16
   bits as fit: two of Q8_0 (128 * 127), four of Q6_K (63 * 127), and those of a whole block of 4 bits. */
FT__NEON_INLINE void ft__neon_tokens(const uint8_t *codes, const uint8_t *scales, int lane, int n_blocks,
                                     const int32_t *tile, int n_t, bool first, float *out, size_t ld, int n_n,
                                     int format) {
    const bool q6 = format == FT__FORMAT_Q6_K;
    const size_t code_bytes = ft__pack_code_bytes(format);
    const int n_fit = format == FT__FORMAT_Q8_0 ? 2 : q6 ? 4 : 8;
    float32x4_t acc[2][FT__NEON_TOKENS];
#pragma GCC unroll 2
    for (int v = 0; v < 2; v++)
#pragma GCC unroll 3
        for (int t = 0; t < n_n; t++) acc[v][t] = vdupq_n_f32(0);
    for (int b = 0; b < n_blocks; b++, tile += n_t * FT__TILE_TOKEN_BYTES / 4, codes += code_bytes) {
        int32x4_t pairs[2][2][2][FT__NEON_TOKENS]; /* [half of the inputs][rows 0 1, rows 2 3] */
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++)
#pragma GCC unroll 3
            for (int t = 0; t < n_n; t++) pairs[i / 4][i / 2 % 2][i % 2][t] = vdupq_n_s32(0);
#pragma GCC unroll 4
        for (int from = 0; from < 8; from += n_fit) {
            int8x16_t quad[8][2];
            FT__NEON_FENCE();
#pragma GCC unroll 8
            for (int k = 0; k < n_fit; k++)
#pragma GCC unroll 2
                for (int v = 0; v < 2; v++)
                    quad[k][v] = ft__neon_quad(codes + 4 * lane + 16 * v, from + k, format);
#pragma GCC unroll 3
            for (int t = 0; t < n_n; t++) {
                int16x8_t sum[2][2];
                FT__NEON_FENCE();
#pragma GCC unroll 8
                for (int k = 0; k < n_fit; k++) {
                    int8x16_t x = ft__neon_four(tile[(from + k) * n_t + t]);
#pragma GCC unroll 2
                    for (int v = 0; v < 2; v++) {
                        if (k == 0) sum[0][v] = sum[1][v] = vdupq_n_s16(0);
                        sum[0][v] = vmlal_s8(sum[0][v], vget_low_s8(quad[k][v]), vget_low_s8(x));
                        sum[1][v] = vmlal_high_s8(sum[1][v], quad[k][v], x);
                    }
                }
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++) {
                    int32x4_t *to = &pairs[q6 && from >= 4][i / 2][i % 2][t];
                    *to = vpadalq_s16(*to, sum[i / 2][i % 2]);
                }
            }
        }
#pragma GCC unroll 2
        for (int v = 0; v < 2; v++) {
            ft__neon_scales s = ft__neon_block_scales(scales, b, lane + 4 * v, format);
#pragma GCC unroll 3
            for (int t = 0; t < n_n; t++) {
                int32x4_t dot = vpaddq_s32(pairs[0][0][v][t], pairs[0][1][v][t]);
                int32x4_t high = vpaddq_s32(pairs[1][0][v][t], pairs[1][1][v][t]);
                acc[v][t] = ft__neon_add(acc[v][t], dot, high, s, tile + t, n_t, format);
            }
        }
    }
#pragma GCC unroll 2
    for (int v = 0; v < 2; v++)
#pragma GCC unroll 3
        for (int t = 0; t < n_n; t++) ft__neon_store(out + (size_t)t * ld + lane + 4 * v, acc[v][t], first);
}

/* One group times a tile over one chunk, and all of them. */
typedef void ft__neon_tile_fn(const uint8_t *codes, const uint8_t *scales, int n_blocks,
                              const uint8_t *tile, int n_t, bool first, float *out, size_t ld);

static void ft__neon_packed(const uint8_t *w, size_t group_bytes, int n_groups, const ft__acts *a, float *out,
                            size_t ld, int format, ft__neon_tile_fn *fn) {
    const int n_blocks = a->n_cols / FT__BLOCK, per_chunk = FT__CHUNK / FT__BLOCK;
    const size_t code_bytes = ft__pack_code_bytes(format);
    const size_t scale_bytes = ft__pack_scale_bytes(format);
    for (int g = 0; g < n_groups; g++, w += group_bytes, out += FT__LANES) {
        const uint8_t *scales = w + (size_t)n_blocks * code_bytes;
        for (int b = 0; b < n_blocks; b += per_chunk) {
            const int n = n_blocks - b < per_chunk ? n_blocks - b : per_chunk;
            for (int t = 0; t < a->n_tokens; t += FT__TILE_TOKENS) {
                const int n_t = a->n_tokens - t < FT__TILE_TOKENS ? a->n_tokens - t : (int)FT__TILE_TOKENS;
                const size_t token_blocks = (size_t)t * (size_t)n_blocks + (size_t)n_t * (size_t)b;
                fn(w + (size_t)b * code_bytes, scales + (size_t)b * scale_bytes, n,
                   a->tiles + token_blocks * FT__TILE_TOKEN_BYTES, n_t, b == 0, out + (size_t)t * ld, ld);
            }
        }
    }
}

FT__NEON_INLINE void ft__dotprod_tile(const uint8_t *codes, const uint8_t *scales, int n_blocks,
                                      const uint8_t *tile, int n_t, bool first, float *out, size_t ld,
                                      int format) {
    const int32_t *at = (const int32_t *)(const void *)tile;
    int t = 0;
    for (; t + 3 <= n_t; t += 3, out += 3 * ld)
        ft__dotprod_tokens(codes, scales, n_blocks, at + t, n_t, first, out, ld, 3, format);
    for (; t < n_t; t++, out += ld)
        ft__dotprod_tokens(codes, scales, n_blocks, at + t, n_t, first, out, ld, 1, format);
}

FT__NEON_INLINE void ft__neon_tile(const uint8_t *codes, const uint8_t *scales, int n_blocks,
                                   const uint8_t *tile, int n_t, bool first, float *out, size_t ld,
                                   int format) {
    const int32_t *at = (const int32_t *)(const void *)tile;
    for (int lane = 0; lane < FT__LANES; lane += 8) {
        float *to = out;
        int t = 0;
        for (; t + 3 <= n_t; t += 3, to += 3 * ld)
            ft__neon_tokens(codes, scales, lane, n_blocks, at + t, n_t, first, to, ld, 3, format);
        for (; t < n_t; t++, to += ld)
            ft__neon_tokens(codes, scales, lane, n_blocks, at + t, n_t, first, to, ld, 1, format);
    }
}

/* The kernel of one format for one of the two. */
#define FT__NEON_KERNEL(isa, name, format)                                                                   \
    static void ft__tile_##name##_##isa(const uint8_t *codes, const uint8_t *scales, int n_blocks,           \
                                        const uint8_t *tile, int n_t, bool first, float *out, size_t ld) {   \
        ft__##isa##_tile(codes, scales, n_blocks, tile, n_t, first, out, ld, format);                        \
    }                                                                                                        \
    static void ft__packed_##name##_##isa(const uint8_t *w, size_t group_bytes, int n_groups,                \
                                          const ft__acts *a, float *out, size_t ld) {                        \
        ft__neon_packed(w, group_bytes, n_groups, a, out, ld, format, ft__tile_##name##_##isa);              \
    }
FT__NEON_KERNEL(neon, q8_0, FT__FORMAT_Q8_0)
FT__NEON_KERNEL(neon, q4_0, FT__FORMAT_Q4_0)
FT__NEON_KERNEL(neon, q4_k, FT__FORMAT_Q4_K)
FT__NEON_KERNEL(neon, q6_k, FT__FORMAT_Q6_K)
FT__NEON_KERNEL(dotprod, q8_0, FT__FORMAT_Q8_0)
FT__NEON_KERNEL(dotprod, q4_0, FT__FORMAT_Q4_0)
FT__NEON_KERNEL(dotprod, q4_k, FT__FORMAT_Q4_K)
FT__NEON_KERNEL(dotprod, q6_k, FT__FORMAT_Q6_K)

/* ---- activations to int8; see the scalar twin */

static void ft__quantize_neon(const float *x, int n, int8_t *q, float *scale) {
    for (int b = 0; b < n / FT__BLOCK; b++, x += FT__BLOCK, q += FT__BLOCK) {
        uint32x4_t most = vdupq_n_u32(0);
        for (int i = 0; i < FT__BLOCK; i += 4) {
            uint32x4_t bits = vreinterpretq_u32_f32(vld1q_f32(x + i));
            most = vmaxq_u32(most, vandq_u32(bits, vdupq_n_u32(0x7FFFFFFFu)));
        }
        const uint32_t bits = vmaxvq_u32(most);
        if (bits < 0x0D800000u || bits >= 0x7E800000u) {
            scale[b] = ft__float_of(bits < 0x7E800000u ? 0 : 0x7FC00000u);
            memset(q, 0, FT__BLOCK);
            continue;
        }
        const float amax = ft__float_of(bits);
        const float32x4_t to_int = vdupq_n_f32(127.0f * ft__recipf(amax));
        scale[b] = amax * (1.0f / 127.0f);
        for (int i = 0; i < FT__BLOCK; i += 8) {
            int16x4_t half[2];
            for (int h = 0; h < 2; h++) {
                float32x4_t product = vmulq_f32(vld1q_f32(x + i + 4 * h), to_int);
                float32x4_t shifted = vaddq_f32(product, vdupq_n_f32(12582912.0f));
                half[h] = vmovn_s32(vsubq_s32(vreinterpretq_s32_f32(shifted), vdupq_n_s32(0x4B400000)));
            }
            vst1_s8(q + i, vmovn_s16(vcombine_s16(half[0], half[1])));
        }
    }
}

static void ft__tile_neon(const int8_t *q, const float *scale, int n_cols, int n, uint8_t *tile) {
    const int n_blocks = n_cols / FT__BLOCK;
    for (int b = 0; b < n_blocks; b++, tile += n * FT__TILE_TOKEN_BYTES) {
        int32_t *words = (int32_t *)(void *)tile, *start = words + 10 * n;
        float *floats = (float *)(void *)(words + 8 * n);
        for (int t = 0; t < n; t++) {
            const int8_t *from = q + (size_t)t * (size_t)n_cols + b * FT__BLOCK;
            const int32_t low = vaddlvq_s8(vld1q_s8(from)), high = vaddlvq_s8(vld1q_s8(from + 16));
            for (int k = 0; k < 8; k++) memcpy(&words[k * n + t], from + 4 * k, 4);
            floats[t] = scale[(size_t)t * (size_t)n_blocks + (size_t)b];
            floats[n + t] = (float)(low + high);
            start[t] = -8 * (low + high);
            start[n + t] = -8 * low;
            start[2 * n + t] = -8 * high;
        }
    }
}

/* ---- one element at a time */

static void ft__add_neon(float *x, const float *y, int n) {
    int i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(x + i, vaddq_f32(vld1q_f32(x + i), vld1q_f32(y + i)));
    for (; i < n; i++) x[i] = x[i] + y[i];
}

static void ft__scale_neon(float *out, const float *x, float factor, const float *weight, int n) {
    int i = 0;
    for (; i + 4 <= n; i += 4) {
        float32x4_t scaled = vmulq_f32(vld1q_f32(x + i), vdupq_n_f32(factor));
        vst1q_f32(out + i, weight ? vmulq_f32(scaled, vld1q_f32(weight + i)) : scaled);
    }
    for (; i < n; i++) out[i] = weight ? (x[i] * factor) * weight[i] : x[i] * factor;
}

static void ft__rope_neon(float *x, const float *cs, int n) {
    int i = 0;
    for (; i + 8 <= n; i += 8) {
        float32x4x2_t v = vld2q_f32(x + i), turn = vld2q_f32(cs + i), to;
        to.val[0] = vaddq_f32(vmulq_f32(v.val[0], turn.val[0]), vmulq_f32(v.val[1], vnegq_f32(turn.val[1])));
        to.val[1] = vaddq_f32(vmulq_f32(v.val[0], turn.val[1]), vmulq_f32(v.val[1], turn.val[0]));
        vst2q_f32(x + i, to);
    }
    for (; i < n; i += 2) {
        float a = x[i], b = x[i + 1], c = cs[i], s = cs[i + 1];
        x[i] = a * c + b * -s;
        x[i + 1] = a * s + b * c;
    }
}

static float ft__max_neon(const float *x, int n, float max) {
    float lanes[4];
    float32x4_t most = vdupq_n_f32(max);
    int i = 0;
    for (; i + 4 <= n; i += 4) {
        float32x4_t v = vld1q_f32(x + i);
        most = vbslq_f32(vcgtq_f32(v, most), v, most);
    }
    vst1q_f32(lanes, most);
    for (int k = 0; k < 4; k++) max = lanes[k] > max ? lanes[k] : max;
    for (; i < n; i++) max = x[i] > max ? x[i] : max;
    return max;
}

/* ---- float weights: 64 partial sums in 16 registers */

/* Four weights of a float format. */
FT__NEON_INLINE float32x4_t ft__neon_weights(const uint8_t *row, int i, int format) {
    if (format == FT__FORMAT_F32) return vreinterpretq_f32_u8(vld1q_u8(row + 4 * (size_t)i));
    uint16x4_t half = vreinterpret_u16_u8(vld1_u8(row + 2 * (size_t)i));
    if (format == FT__FORMAT_F16) return vcvt_f32_f16(vreinterpret_f16_u16(half));
    return vreinterpretq_f32_u32(vshll_n_u16(half, 16));
}

/* 64 -> 32 -> ... -> 4 from register to register, then 2 and 1 within the last. */
FT__NEON_INLINE float ft__neon_tree(float32x4_t p[16]) {
#pragma GCC unroll 4
    for (int half = 8; half > 0; half /= 2)
#pragma GCC unroll 8
        for (int g = 0; g < half; g++) p[g] = vaddq_f32(p[g], p[g + half]);
    float32x2_t two = vadd_f32(vget_low_f32(p[0]), vget_high_f32(p[0]));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

/* The last n % 64 elements, through a copy with zeros after it, which add nothing. */
FT__NEON_INLINE void ft__neon_tail(float32x4_t p[16], const uint8_t *row, const float *x, int n, int format) {
    uint8_t w_rest[4 * FT__PARTIALS] = {0};
    float x_rest[FT__PARTIALS] = {0};
    memcpy(w_rest, row, (size_t)n * (format == FT__FORMAT_F32 ? 4 : 2));
    memcpy(x_rest, x, (size_t)n * sizeof *x);
#pragma GCC unroll 16
    for (int g = 0; g < 16; g++)
        p[g] = vaddq_f32(p[g], vmulq_f32(ft__neon_weights(w_rest, 4 * g, format), vld1q_f32(x_rest + 4 * g)));
}

FT__NEON_INLINE float ft__neon_dot(const uint8_t *row, const float *x, int n, int format) {
    float32x4_t p[16];
    int i = 0;
#pragma GCC unroll 16
    for (int g = 0; g < 16; g++) p[g] = vdupq_n_f32(0);
    for (; i + FT__PARTIALS <= n; i += FT__PARTIALS) {
#pragma GCC unroll 16
        for (int g = 0; g < 16; g++) {
            float32x4_t w = ft__neon_weights(row, i + 4 * g, format);
            p[g] = vaddq_f32(p[g], vmulq_f32(w, vld1q_f32(x + i + 4 * g)));
        }
    }
    if (i < n) ft__neon_tail(p, row + (size_t)i * (format == FT__FORMAT_F32 ? 4 : 2), x + i, n - i, format);
    return ft__neon_tree(p);
}

static float ft__sum_squares_neon(const float *x, int n) {
    return ft__neon_dot((const uint8_t *)x, x, n, FT__FORMAT_F32);
}

FT__NEON_INLINE void ft__neon_rows(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a,
                                   float *out, size_t ld, int format) {
    for (int r = 0; r < n_rows; r++, w += row_bytes)
        for (int t = 0; t < a->n_tokens; t++)
            out[(size_t)t * ld + (size_t)r] =
                ft__neon_dot(w, a->x + (size_t)t * (size_t)a->n_cols, a->n_cols, format);
}

static void ft__rows_f32_neon(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a, float *out,
                              size_t ld) {
    ft__neon_rows(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_F32);
}

static void ft__rows_f16_neon(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a, float *out,
                              size_t ld) {
    ft__neon_rows(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_F16);
}

static void ft__rows_bf16_neon(const uint8_t *w, size_t row_bytes, int n_rows, const ft__acts *a, float *out,
                               size_t ld) {
    ft__neon_rows(w, row_bytes, n_rows, a, out, ld, FT__FORMAT_BF16);
}

/* ---- low-rank deltas: four outputs side by side, the tree over the rank from register to register */

FT__NEON_INLINE float32x4_t ft__neon_first(const float *p, int n) {
    float four[4] = {0};
    if (n >= 4) return vld1q_f32(p);
    memcpy(four, p, (size_t)n * sizeof *p);
    return vld1q_f32(four);
}

static void ft__low_rank_neon(const float *b, int rank, int n_out, const float *low, int n_tokens,
                              float factor, float *out, size_t ld) {
    const int n_p = rank < FT__PARTIALS ? rank : (int)FT__PARTIALS;
    for (int r = 0; r < n_out; r += 4) {
        const int n = n_out - r < 4 ? n_out - r : 4;
        for (int t = 0; t < n_tokens; t++) {
            const float *x = low + (size_t)t * (size_t)rank;
            float *to = out + (size_t)t * ld + r, four[4];
            float32x4_t p[FT__PARTIALS];
            for (int k = 0; k < n_p; k++) p[k] = vdupq_n_f32(0);
            for (int k = 0; k < rank; k++) {
                float32x4_t w = ft__neon_first(b + (size_t)k * (size_t)n_out + r, n);
                p[k % FT__PARTIALS] = vaddq_f32(p[k % FT__PARTIALS], vmulq_f32(w, vdupq_n_f32(x[k])));
            }
            for (int half = FT__PARTIALS / 2; half > 0; half /= 2) /* the rest are zeros */
                for (int i = 0; i < half && i + half < n_p; i++) p[i] = vaddq_f32(p[i], p[i + half]);
            vst1q_f32(four, vaddq_f32(ft__neon_first(to, n), vmulq_f32(vdupq_n_f32(factor), p[0])));
            memcpy(to, four, (size_t)n * sizeof *to);
        }
    }
}

/* ---- attention */

/* As ft__expf. */
FT__NEON_INLINE float32x4_t ft__neon_exp(float32x4_t x) {
    const float32x4_t most = vdupq_n_f32(88.0f), least = vdupq_n_f32(-87.0f), magic = vdupq_n_f32(12582912.0f);
    const uint32x4_t keep = vcgeq_f32(x, least);
    x = vbslq_f32(vcltq_f32(x, most), x, most);
    x = vbslq_f32(vcgtq_f32(x, least), x, least);
    float32x4_t shifted = vaddq_f32(vmulq_f32(x, vdupq_n_f32(1.44269504f)), magic);
    float32x4_t n = vsubq_f32(shifted, magic);
    float32x4_t r = vsubq_f32(x, vmulq_f32(n, vdupq_n_f32(0.693359375f)));
    r = vsubq_f32(r, vmulq_f32(n, vdupq_n_f32(-2.12194440e-4f)));
    float32x4_t p = vdupq_n_f32(0.0013942160876467824f);
    p = vaddq_f32(vmulq_f32(p, r), vdupq_n_f32(0.008363775908946991f));
    p = vaddq_f32(vmulq_f32(p, r), vdupq_n_f32(0.041666362434625626f));
    p = vaddq_f32(vmulq_f32(p, r), vdupq_n_f32(0.16666573286056519f));
    p = vaddq_f32(vmulq_f32(p, r), vdupq_n_f32(0.5f));
    p = vmulq_f32(p, vmulq_f32(r, r));
    p = vaddq_f32(p, r);
    p = vaddq_f32(p, vdupq_n_f32(1.0f));
    int32x4_t power = vsubq_s32(vreinterpretq_s32_f32(shifted), vdupq_n_s32(0x4B400000 - 127));
    p = vmulq_f32(p, vreinterpretq_f32_s32(vshlq_n_s32(power, 23)));
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(p), keep));
}

/* n_q queries against 16 of the 64 keys. */
FT__NEON_INLINE void ft__neon_scores(const float *q, const float *k, int head_dim, float scale, float *s,
                                     int n_q) {
    float32x4_t sum[4][4];
#pragma GCC unroll 4
    for (int h = 0; h < n_q; h++)
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++) sum[h][g] = vdupq_n_f32(0);
    for (int d = 0; d < head_dim; d++, k += FT__TILE) {
        float32x4_t key[4];
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++) key[g] = vld1q_f32(k + 4 * g);
#pragma GCC unroll 4
        for (int h = 0; h < n_q; h++) {
            float32x4_t x = vdupq_n_f32(q[h * head_dim + d]);
#pragma GCC unroll 4
            for (int g = 0; g < 4; g++) sum[h][g] = vaddq_f32(sum[h][g], vmulq_f32(x, key[g]));
        }
    }
#pragma GCC unroll 4
    for (int h = 0; h < n_q; h++)
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++)
            vst1q_f32(s + h * FT__TILE + 4 * g, vmulq_f32(sum[h][g], vdupq_n_f32(scale)));
}

static void ft__scores_neon(const float *q, int n_q, const float *k, int head_dim, float scale, float *s) {
    for (int j = 0; j < FT__TILE; j += 16) {
        int h = 0;
        for (; h + 4 <= n_q; h += 4)
            ft__neon_scores(q + h * head_dim, k + j, head_dim, scale, s + h * FT__TILE + j, 4);
        for (; h < n_q; h++)
            ft__neon_scores(q + h * head_dim, k + j, head_dim, scale, s + h * FT__TILE + j, 1);
    }
}

static float ft__softmax_neon(float s[64], int lo, int hi, float max) {
    static const int32_t lanes[4] = {0, 1, 2, 3};
    float32x4_t p[16];
    for (int g = 0; g < 16; g++) {
        int32x4_t j = vaddq_s32(vld1q_s32(lanes), vdupq_n_s32(4 * g));
        uint32x4_t seen = vandq_u32(vcgeq_s32(j, vdupq_n_s32(lo)), vcltq_s32(j, vdupq_n_s32(hi)));
        p[g] = ft__neon_exp(vsubq_f32(vld1q_f32(s + 4 * g), vdupq_n_f32(max)));
        p[g] = vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(p[g]), seen));
        vst1q_f32(s + 4 * g, p[g]);
    }
    return ft__neon_tree(p);
}

/* 4 n_g dimensions of n_q outputs in registers while the keys pass. */
FT__NEON_INLINE void ft__neon_values(float *o, const float *p, const float *v, int lo, int hi, int head_dim,
                                     int n_g, int n_q) {
    float32x4_t sum[4][4];
#pragma GCC unroll 4
    for (int h = 0; h < n_q; h++)
#pragma GCC unroll 4
        for (int g = 0; g < n_g; g++) sum[h][g] = vld1q_f32(o + h * head_dim + 4 * g);
    for (int j = lo; j < hi; j++) {
        float32x4_t value[4];
#pragma GCC unroll 4
        for (int g = 0; g < n_g; g++) value[g] = vld1q_f32(v + j * head_dim + 4 * g);
#pragma GCC unroll 4
        for (int h = 0; h < n_q; h++) {
            float32x4_t weight = vdupq_n_f32(p[h * FT__TILE + j]);
#pragma GCC unroll 4
            for (int g = 0; g < n_g; g++) sum[h][g] = vaddq_f32(sum[h][g], vmulq_f32(weight, value[g]));
        }
    }
#pragma GCC unroll 4
    for (int h = 0; h < n_q; h++)
#pragma GCC unroll 4
        for (int g = 0; g < n_g; g++) vst1q_f32(o + h * head_dim + 4 * g, sum[h][g]);
}

static void ft__values_neon(float *o, int n_q, const float *p, const float *v, int lo, int hi, int head_dim) {
    int d = 0;
    for (; d + 16 <= head_dim; d += 16) {
        int h = 0;
        for (; h + 4 <= n_q; h += 4)
            ft__neon_values(o + h * head_dim + d, p + h * FT__TILE, v + d, lo, hi, head_dim, 4, 4);
        for (; h < n_q; h++)
            ft__neon_values(o + h * head_dim + d, p + h * FT__TILE, v + d, lo, hi, head_dim, 4, 1);
    }
    for (; d + 4 <= head_dim; d += 4)
        for (int h = 0; h < n_q; h++)
            ft__neon_values(o + h * head_dim + d, p + h * FT__TILE, v + d, lo, hi, head_dim, 1, 1);
    for (; d < head_dim; d++)
        for (int h = 0; h < n_q; h++)
            for (int j = lo; j < hi; j++)
                o[h * head_dim + d] = o[h * head_dim + d] + p[h * FT__TILE + j] * v[j * head_dim + d];
}

static void ft__widen_neon(const uint16_t *half, float *out, int n) {
    int i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(out + i, ft__neon_halves(half + i));
    for (; i < n; i++) out[i] = ft__f16_to_f32(half[i]);
}

/* ---- silu */

/* As ft__recipf. */
FT__NEON_INLINE float32x4_t ft__neon_recip(float32x4_t x) {
    uint32x4_t guess = vsubq_u32(vdupq_n_u32(0x7EF311C3u), vreinterpretq_u32_f32(x));
    float32x4_t y = vreinterpretq_f32_u32(guess);
    for (int i = 0; i < 3; i++) y = vmulq_f32(y, vsubq_f32(vdupq_n_f32(2.0f), vmulq_f32(x, y)));
    return y;
}

FT__NEON_INLINE float32x4_t ft__neon_silu_mul(float32x4_t gate, float32x4_t up) {
    const float32x4_t most = vdupq_n_f32(80.0f);
    float32x4_t negative = vsubq_f32(vdupq_n_f32(0), gate);
    negative = vbslq_f32(vcltq_f32(negative, most), negative, most);
    float32x4_t below = vaddq_f32(vdupq_n_f32(1.0f), ft__neon_exp(negative));
    return vmulq_f32(vmulq_f32(gate, ft__neon_recip(below)), up);
}

static void ft__silu_mul_neon(float *gate, const float *up, int n) {
    int i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(gate + i, ft__neon_silu_mul(vld1q_f32(gate + i), vld1q_f32(up + i)));
    if (i == n) return;
    float four[4];
    vst1q_f32(four, ft__neon_silu_mul(ft__neon_first(gate + i, n - i), ft__neon_first(up + i, n - i)));
    memcpy(gate + i, four, (size_t)(n - i) * sizeof *gate);
}

/* Block formats as the file has them stay with the reference: packed weights are the fast way. */
FT__PRIV void ft__kernels_neon(ft__kernels *k) {
    k->packed[FT__FORMAT_Q8_0] = ft__packed_q8_0_neon;
    k->packed[FT__FORMAT_Q4_0] = ft__packed_q4_0_neon;
    k->packed[FT__FORMAT_Q4_K] = ft__packed_q4_k_neon;
    k->packed[FT__FORMAT_Q6_K] = ft__packed_q6_k_neon;
    k->rows[FT__FORMAT_F32] = ft__rows_f32_neon;
    k->rows[FT__FORMAT_F16] = ft__rows_f16_neon;
    k->rows[FT__FORMAT_BF16] = ft__rows_bf16_neon;
    k->quantize = ft__quantize_neon;
    k->tile = ft__tile_neon;
    k->add = ft__add_neon;
    k->scale = ft__scale_neon;
    k->rope = ft__rope_neon;
    k->max = ft__max_neon;
    k->sum_squares = ft__sum_squares_neon;
    k->low_rank = ft__low_rank_neon;
    k->scores = ft__scores_neon;
    k->softmax = ft__softmax_neon;
    k->values = ft__values_neon;
    k->widen = ft__widen_neon;
    k->silu_mul = ft__silu_mul_neon;
}

FT__PRIV void ft__kernels_dotprod(ft__kernels *k) {
    k->packed[FT__FORMAT_Q8_0] = ft__packed_q8_0_dotprod;
    k->packed[FT__FORMAT_Q4_0] = ft__packed_q4_0_dotprod;
    k->packed[FT__FORMAT_Q4_K] = ft__packed_q4_k_dotprod;
    k->packed[FT__FORMAT_Q6_K] = ft__packed_q6_k_dotprod;
}

#undef FT__NEON_INLINE
#undef FT__DOTPROD_DOT
#undef FT__NEON_FENCE
#undef FT__NEON_KERNEL
#else
FT__PRIV void ft__kernels_neon(ft__kernels *k) { (void)k; }
FT__PRIV void ft__kernels_dotprod(ft__kernels *k) { (void)k; }
#endif
/* ---- end src/num/kern_neon.c */
/* ---- begin src/num/kernels.c */
/* One table of kernels per model, filled once: the reference first, then what this machine does faster. */

/* What fills the table of an instruction set, in this order. */
static const struct {
    ft__isa isa;
    void (*fill)(ft__kernels *k);
} ft__kernels_fill[] = {
    {FT__ISA_AVX2, ft__kernels_avx2},
    {FT__ISA_AVX512, ft__kernels_avx2}, {FT__ISA_AVX512, ft__kernels_avx512},
    {FT__ISA_NEON, ft__kernels_neon},
    {FT__ISA_DOTPROD, ft__kernels_neon}, {FT__ISA_DOTPROD, ft__kernels_dotprod},
};

FT__PRIV ft_status ft__kernels_choose(ft__kernels *k, ft_error *err) {
    memset(k, 0, sizeof *k);
    ft_status status = ft__isa_choose(&k->isa, err);
    if (status) return status;
    ft__kernels_scalar(k);
    for (size_t i = 0; i < FT__COUNT(ft__kernels_fill); i++)
        if (ft__kernels_fill[i].isa == k->isa) ft__kernels_fill[i].fill(k);
    return FT_OK;
}
/* ---- end src/num/kernels.c */
/* ---- begin src/num/pack.c */
/* Weights laid out for the kernels: groups of 16 rows interleaved, so that one register holds the same four
   inputs of 16 rows and each lane sums one row in the contract's order, with no horizontal sum.  One layout
   serves every instruction set: 16 lanes at once, two halves of 8, four quarters of 4.

   A group holds first the codes of all its blocks of 32 inputs, then the scales of all blocks, as the file
   has them.  Codes are unsigned; the kernels subtract the bias (128, 8 or 32) by way of the activations'
   sums, which is exact.  Four codes of a row lie together ("quad" k holds inputs 4k .. 4k + 3):
     Q8_0        8 vectors of 64 bytes: quad k of each row; plus 128
     Q4_0 Q4_K   4 vectors: quad k in the low nibbles, quad k + 4 in the high ones
     Q6_K        4 vectors of nibbles likewise; 2 vectors of upper bits: quad 4h + m in bits 2m, 2m + 1
   Scales per block:      Q8_0 Q4_0   16 f16
   and per eight blocks:  Q4_K        16 f16 d, 16 f16 dmin, [8][16] scales, [8][16] minimums (bytes)
                          Q6_K        16 f16 d, [16][16] scales (int8, one per 16 inputs)
   Rows missing in the last group are zeros. */

typedef struct ft__pack_row {
    uint32_t format;
    int unit; /* blocks whose scales lie together */
    void (*block)(const uint8_t *row, int b, int lane, uint8_t *codes, uint8_t *scales);
} ft__pack_row;

static void ft__pack_q8_0(const uint8_t *row, int b, int lane, uint8_t *codes, uint8_t *scales) {
    const uint8_t *block = row + (size_t)b * 34;
    memcpy(scales + 2 * lane, block, 2);
    for (int k = 0; k < FT__BLOCK; k++) codes[64 * (k / 4) + 4 * lane + k % 4] = block[2 + k] ^ 0x80;
}

/* The file has inputs j and j + 16 in byte j, which is what the vectors want. */
static void ft__pack_q4_0(const uint8_t *row, int b, int lane, uint8_t *codes, uint8_t *scales) {
    const uint8_t *block = row + (size_t)b * 18;
    memcpy(scales + 2 * lane, block, 2);
    for (int j = 0; j < 4; j++) memcpy(codes + 64 * j + 4 * lane, block + 2 + 4 * j, 4);
}

/* Eight 6-bit scales and minimums in 12 bytes. */
static void ft__pack_q4_k(const uint8_t *row, int b, int lane, uint8_t *codes, uint8_t *scales) {
    const uint8_t *block = row + (size_t)(b / 8) * 144, *s = block + 4;
    const int i = b % 8;
    int scale = i < 4 ? s[i] & 63 : (s[i + 4] & 15) | (s[i - 4] >> 6) << 4;
    int min = i < 4 ? s[i + 4] & 63 : s[i + 4] >> 4 | (s[i] >> 6) << 4;
    memcpy(scales + 2 * lane, block, 2);
    memcpy(scales + 32 + 2 * lane, block + 2, 2);
    scales[64 + 16 * i + lane] = (uint8_t)scale;
    scales[192 + 16 * i + lane] = (uint8_t)min;
    const uint8_t *q = block + 16 + 32 * (i / 2);
    for (int j = 0; j < 16; j++) {
        int low = i % 2 ? q[j] >> 4 : q[j] & 15, high = i % 2 ? q[j + 16] >> 4 : q[j + 16] & 15;
        codes[64 * (j / 4) + 4 * lane + j % 4] = (uint8_t)(low | high << 4);
    }
}

static void ft__pack_q6_k(const uint8_t *row, int b, int lane, uint8_t *codes, uint8_t *scales) {
    const uint8_t *block = row + (size_t)(b / 8) * 210;
    const int sub = b % 8, quarter = sub % 4;
    const uint8_t *low = block + 64 * (sub / 4) + 32 * (quarter % 2);
    const uint8_t *high = block + 128 + 32 * (sub / 4);
    memcpy(scales + 2 * lane, block + 208, 2);
    scales[32 + 32 * sub + lane] = block[192 + 2 * sub];
    scales[32 + 32 * sub + 16 + lane] = block[193 + 2 * sub];
    for (int k = 0; k < FT__BLOCK; k++) {
        int nibble = low[k] >> (quarter < 2 ? 0 : 4) & 15, upper = high[k] >> (2 * quarter) & 3;
        int at = 4 * lane + k % 4, quad = k / 4;
        codes[64 * (quad % 4) + at] |= (uint8_t)(nibble << (quad < 4 ? 0 : 4));
        codes[256 + 64 * (quad / 4) + at] |= (uint8_t)(upper << (2 * (quad % 4)));
    }
}

static const ft__pack_row ft__pack_rows[] = {
    {FT__FORMAT_Q8_0, 1, ft__pack_q8_0},
    {FT__FORMAT_Q4_0, 1, ft__pack_q4_0},
    {FT__FORMAT_Q4_K, 8, ft__pack_q4_k},
    {FT__FORMAT_Q6_K, 8, ft__pack_q6_k},
};

static const ft__pack_row *ft__pack_find(uint32_t format) {
    for (size_t i = 0; i < FT__COUNT(ft__pack_rows); i++)
        if (ft__pack_rows[i].format == format) return &ft__pack_rows[i];
    return NULL;
}

FT__PRIV size_t ft__pack_group_bytes(const ft__matrix *w) {
    const int id = (int)w->format->id;
    const size_t n_blocks = (size_t)w->n_cols / FT__BLOCK;
    return ft__pack_find(w->format->id) ? n_blocks * (ft__pack_code_bytes(id) + ft__pack_scale_bytes(id)) : 0;
}

typedef struct ft__pack_job {
    const ft__matrix *w;
    const ft__pack_row *p;
    uint8_t *out;
    size_t group_bytes;
} ft__pack_job;

static void ft__pack_group(void *user, int group) {
    const ft__pack_job *job = (const ft__pack_job *)user;
    const ft__matrix *w = job->w;
    const ft__pack_row *p = job->p;
    const int n_blocks = w->n_cols / FT__BLOCK;
    const size_t code_bytes = ft__pack_code_bytes((int)p->format);
    const size_t unit_bytes = ft__pack_scale_bytes((int)p->format) * (size_t)p->unit;
    uint8_t *codes = job->out + (size_t)group * job->group_bytes;
    uint8_t *scales = codes + (size_t)n_blocks * code_bytes;
    memset(codes, 0, job->group_bytes);
    for (int lane = 0; lane < FT__LANES && group * FT__LANES + lane < w->n_rows; lane++) {
        const uint8_t *row = w->data + ((size_t)group * FT__LANES + (size_t)lane) * w->row_bytes;
        for (int b = 0; b < n_blocks; b++)
            p->block(row, b, lane, codes + (size_t)b * code_bytes, scales + (size_t)(b / p->unit) * unit_bytes);
    }
}

FT__PRIV void ft__pack(ft__pool *pool, const ft__matrix *w, uint8_t *out) {
    ft__pack_job job = {w, ft__pack_find(w->format->id), out, ft__pack_group_bytes(w)};
    ft__pool_run(pool, ft__pack_group, &job, (w->n_rows + FT__LANES - 1) / FT__LANES);
}
/* ---- end src/num/pack.c */
/* ---- begin src/num/matmul.c */
/* Weights times activations over several threads: each part is some rows for all tokens, so threads divide
   outputs and never a sum. */

enum { FT__MATMUL_SMALL = 1 << 16 }; /* multiplications below which waking threads costs more */

/* Parts are rectangles: some rows for some tokens, row by row of rectangles. */
typedef struct ft__matmul_job {
    const ft__kernels *k;
    const ft__matrix *w;
    const float *bias;
    const ft__acts *a;
    float *out;
    size_t ld;
    int rows_per_part, tokens_per_part, row_parts;
} ft__matmul_job;

/* Packed kernels write all 16 rows of a group: where the matrix ends inside one, through a copy. */
static void ft__matmul_last_group(const ft__matmul_job *job, ft__packed_fn *fn, const uint8_t *group,
                                  size_t group_bytes, int first, int n) {
    float out[FT__TILE_TOKENS * FT__LANES];
    const size_t tile_bytes = (size_t)job->a->n_cols / FT__BLOCK * FT__TILE_TOKEN_BYTES;
    for (int t = 0; t < job->a->n_tokens; t += FT__TILE_TOKENS) {
        ft__acts some = *job->a;
        some.n_tokens = some.n_tokens - t < FT__TILE_TOKENS ? some.n_tokens - t : (int)FT__TILE_TOKENS;
        some.tiles += (size_t)t * tile_bytes;
        fn(group, group_bytes, 1, &some, out, FT__LANES);
        for (int i = 0; i < some.n_tokens; i++)
            memcpy(job->out + (size_t)(t + i) * job->ld + first, out + i * FT__LANES, (size_t)n * sizeof *out);
    }
}

static void ft__matmul_packed(const ft__matmul_job *job, int first, int n) {
    const ft__matrix *w = job->w;
    const size_t group_bytes = ft__pack_group_bytes(w);
    const uint8_t *at = w->packed + (size_t)(first / FT__LANES) * group_bytes;
    ft__packed_fn *fn = job->k->packed[w->format->id];
    const int whole = n / FT__LANES;
    fn(at, group_bytes, whole, job->a, job->out + first, job->ld);
    if (n % FT__LANES)
        ft__matmul_last_group(job, fn, at + (size_t)whole * group_bytes, group_bytes,
                              first + whole * FT__LANES, n % FT__LANES);
}

static void ft__matmul_part(void *user, int part) {
    ft__matmul_job job = *(const ft__matmul_job *)user;
    const ft__matrix *w = job.w;
    const int first = part % job.row_parts * job.rows_per_part, t = part / job.row_parts * job.tokens_per_part;
    const int n = w->n_rows - first < job.rows_per_part ? w->n_rows - first : job.rows_per_part;
    ft__acts a = *job.a; /* the tokens of this part */
    const size_t at = (size_t)t * (size_t)a.n_cols, at_block = at / FT__BLOCK;
    if (a.n_tokens - t < job.tokens_per_part) a.n_tokens -= t;
    else a.n_tokens = job.tokens_per_part;
    a.x += at;
    if (a.q) a.q += at, a.scale += at_block;
    if (a.tiles) a.tiles += at_block * FT__TILE_TOKEN_BYTES;
    job.a = &a;
    job.out += (size_t)t * job.ld;
    float *out = job.out + first;
    if (w->packed) ft__matmul_packed(&job, first, n);
    else job.k->rows[w->format->id](w->data + (size_t)first * w->row_bytes, w->row_bytes, n, &a, out, job.ld);
    if (!job.bias) return;
    for (int i = 0; i < a.n_tokens; i++) job.k->add(out + (size_t)i * job.ld, job.bias + first, n);
}

FT__PRIV void ft__matmul(ft__pool *pool, const ft__kernels *k, const ft__matrix *w,
                         const float *bias, const ft__acts *a, float *out, size_t ld) {
    ft__matmul_job job = {k, w, bias, a, out, ld, w->n_rows, a->n_tokens, 1};
    double products = (double)w->n_rows * w->n_cols * a->n_tokens;
    int token_parts = 1;
    if (products > (double)FT__MATMUL_SMALL && ft__pool_size(pool) > 1) {
        const int wanted = 4 * ft__pool_size(pool), pair = 2 * FT__LANES; /* some slack for uneven threads */
        job.rows_per_part = ((w->n_rows + wanted - 1) / wanted + pair - 1) / pair * pair;
        job.row_parts = (w->n_rows + job.rows_per_part - 1) / job.rows_per_part;
        if (job.row_parts < wanted / 2) token_parts = wanted / job.row_parts; /* few rows: an adapter's */
        job.tokens_per_part = (a->n_tokens + token_parts - 1) / token_parts;
        job.tokens_per_part = (job.tokens_per_part + FT__TILE_TOKENS - 1) / FT__TILE_TOKENS * FT__TILE_TOKENS;
        token_parts = (a->n_tokens + job.tokens_per_part - 1) / job.tokens_per_part;
    }
    ft__pool_run(pool, ft__matmul_part, &job, job.row_parts * token_parts);
}

typedef struct ft__low_rank_job {
    const ft__kernels *k;
    const float *b, *low;
    float *out;
    float factor;
    int rank, n_out, n_tokens, tokens_per_part;
} ft__low_rank_job;

static void ft__low_rank_part(void *user, int part) {
    const ft__low_rank_job *j = (const ft__low_rank_job *)user;
    const int first = part * j->tokens_per_part;
    const int n = j->n_tokens - first < j->tokens_per_part ? j->n_tokens - first : j->tokens_per_part;
    j->k->low_rank(j->b, j->rank, j->n_out, j->low + (size_t)first * (size_t)j->rank, n, j->factor,
                   j->out + (size_t)first * (size_t)j->n_out, (size_t)j->n_out);
}

FT__PRIV void ft__low_rank(ft__pool *pool, const ft__kernels *k, const float *b, int rank, int n_out,
                           const float *low, int n_tokens, float factor, float *out) {
    ft__low_rank_job job = {k, b, low, out, factor, rank, n_out, n_tokens, n_tokens};
    double products = (double)rank * n_out * n_tokens;
    if (products > (double)FT__MATMUL_SMALL)
        job.tokens_per_part = (n_tokens + ft__pool_size(pool) - 1) / ft__pool_size(pool);
    ft__pool_run(pool, ft__low_rank_part, &job, (n_tokens + job.tokens_per_part - 1) / job.tokens_per_part);
}

FT__PRIV void ft__rms_norm(const ft__kernels *k, const float *x, const float *weight, float eps,
                           int n, float *out) {
    float mean = k->sum_squares(x, n) * (1.0f / (float)n);
    float factor = ft__rsqrtf(mean + eps);
    k->scale(out, x, factor, weight, n);
}
/* ---- end src/num/matmul.c */
/* ---- begin src/num/attention.c */
/* Attention over a paged cache.  A page holds 64 positions; per head its keys lie
   (head_dim, 64), so that 64 scores are computed side by side, and its values (64, head_dim).

   Softmax is online (Milakov and Gimelshein, 2018) over tiles of 64 keys, within spans of 1024 positions
   that each keep their own maximum, sum and output and are then combined in ascending order: the cut is by
   absolute position, so the bits do not depend on how a prompt was fed or who computes it.  Several tokens
   of a prompt meet a tile together, which saves widening it for each.

   A Q8_0 cache has int8 and behind them float scales, one per position and group of dimensions, by the rule
   that makes activations int8 (num/kern_scalar.c), so that a key is the same whoever computes it. */

/* Dimensions that share a scale in a Q8_0 cache. */
static int ft__attention_group(const ft__attention *a) {
    return a->head_dim % FT__BLOCK ? a->head_dim : (int)FT__BLOCK;
}

FT__PRIV size_t ft__attention_head_bytes(const ft__attention *a) {
    const size_t n = (size_t)2 * FT__TILE * (size_t)a->head_dim;
    if (a->type == FT_KV_Q8_0) return n + n / (size_t)ft__attention_group(a) * sizeof(float);
    return n * (a->type == FT_KV_F16 ? 2 : 4);
}

static bool ft__attention_put(const ft__attention *a, uint8_t *to, size_t at, float x) {
    if (a->type == FT_KV_F32) {
        memcpy(to + 4 * at, &x, 4);
        return true;
    }
    uint16_t half = ft__f32_to_f16(x);
    memcpy(to + 2 * at, &half, 2);
    return (half & 0x7C00) != 0x7C00;
}

/* n numbers to int8, `stride` bytes apart, and their scale; false for one that is no number or reaches
   2^126. */
static bool ft__attention_put_q8(const float *x, int n, uint8_t *codes, size_t stride, uint8_t *scale) {
    uint32_t most = 0; /* as bits, where a NaN is the largest */
    for (int i = 0; i < n; i++) {
        uint32_t bits = ft__bits_of(x[i]) & 0x7FFFFFFFu;
        most = bits > most ? bits : most;
    }
    const bool plain = most >= 0x0D800000u && most < 0x7E800000u; /* below 2^-100 counts as zero */
    const float amax = ft__float_of(most), to_int = plain ? 127.0f * ft__recipf(amax) : 0.0f;
    const float step = plain ? amax * (1.0f / 127.0f) : 0.0f;
    for (int i = 0; i < n; i++, codes += stride) {
        float shifted = (plain ? x[i] : 0.0f) * to_int + 12582912.0f; /* 1.5 * 2^23: rounds half to even */
        *codes = (uint8_t)(ft__bits_of(shifted) & 0xFF);
    }
    memcpy(scale, &step, sizeof step);
    return most < 0x7E800000u;
}

/* The key and value of one head. */
static bool ft__attention_store_q8(const ft__attention *a, uint8_t *keys, uint8_t *values, size_t slot,
                                   const float *k, const float *v) {
    const size_t hd = (size_t)a->head_dim, group = (size_t)ft__attention_group(a), n = hd / group;
    uint8_t *key_scales = keys + FT__TILE * hd, *value_scales = values + FT__TILE * hd;
    bool ok = true;
    for (size_t g = 0; g < n; g++) {
        ok &= ft__attention_put_q8(k + g * group, (int)group, keys + g * group * FT__TILE + slot, FT__TILE,
                                   key_scales + (g * FT__TILE + slot) * sizeof(float));
        ok &= ft__attention_put_q8(v + g * group, (int)group, values + slot * hd + g * group, 1,
                                   value_scales + (slot * n + g) * sizeof(float));
    }
    return ok;
}

FT__PRIV bool ft__attention_store(const ft__attention *a, uint8_t *const *pages, int position,
                                  const float *k, const float *v) {
    const size_t hd = (size_t)a->head_dim, slot = (size_t)position % FT__TILE;
    const size_t head_bytes = ft__attention_head_bytes(a);
    uint8_t *head = pages[position / FT__TILE] + a->page_offset;
    bool ok = true;
    for (int h = 0; h < a->n_kv_heads; h++, head += head_bytes, k += hd, v += hd) {
        if (a->type == FT_KV_Q8_0) ok &= ft__attention_store_q8(a, head, head + head_bytes / 2, slot, k, v);
        for (size_t d = 0; d < hd && a->type != FT_KV_Q8_0; d++) {
            ok &= ft__attention_put(a, head, d * FT__TILE + slot, k[d]);
            ok &= ft__attention_put(a, head + head_bytes / 2, slot * hd + d, v[d]);
        }
    }
    return ok;
}

/* What a thread works with; all parts lie in its scratch.  Queries are the heads of all tokens of the block
   that share the KV head, token by token. */
typedef struct ft__attention_work {
    const ft__kernels *k;
    const ft__attention *a;
    const float *keys, *values;  /* (head_dim, 64), (64, head_dim): of the tile */
    float *wide;                 /* both, where they have to be widened */
    const float *q;              /* (group, head_dim) of one token */
    float *s;                    /* (group, 64) */
    float *max, *sum, *out;      /* of the span: (queries), (queries), (queries, head_dim) */
    float *all_max, *all_sum;    /* of the spans before */
    int group;
} ft__attention_work;

FT__PRIV size_t ft__attention_scratch(const ft__attention *a) {
    const size_t hd = (size_t)a->head_dim, group = (size_t)(a->n_heads / a->n_kv_heads);
    const size_t queries = group * FT__ATTENTION_TOKENS;
    return 2 * hd * FT__TILE + group * FT__TILE + queries * (hd + 4);
}

static void ft__attention_lay_out(ft__attention_work *w, float *scratch) {
    const size_t hd = (size_t)w->a->head_dim, group = (size_t)w->group, queries = group * FT__ATTENTION_TOKENS;
    w->wide = scratch;
    w->s = w->wide + 2 * hd * FT__TILE;
    w->out = w->s + group * FT__TILE;
    w->max = w->out + queries * hd;
    w->sum = w->max + queries;
    w->all_max = w->sum + queries;
    w->all_sum = w->all_max + queries;
}

static void ft__attention_widen_q8(const ft__attention *a, const uint8_t *head, float *keys, float *values) {
    const int hd = a->head_dim, group = ft__attention_group(a);
    const uint8_t *half = head + ft__attention_head_bytes(a) / 2;
    const int8_t *k = (const int8_t *)head, *v = (const int8_t *)half;
    const float *k_scale = (const float *)(const void *)(head + FT__TILE * (size_t)hd);
    const float *v_scale = (const float *)(const void *)(half + FT__TILE * (size_t)hd);
    for (int d = 0; d < hd; d++, k += FT__TILE, keys += FT__TILE)
        for (int j = 0; j < FT__TILE; j++) keys[j] = (float)k[j] * k_scale[d / group * FT__TILE + j];
    for (int g = 0; g < FT__TILE * hd / group; g++, v += group, values += group)
        for (int i = 0; i < group; i++) values[i] = (float)v[i] * v_scale[g];
}

static void ft__attention_load(ft__attention_work *w, const uint8_t *head) {
    const int n = w->a->head_dim * FT__TILE;
    if (w->a->type == FT_KV_Q8_0) {
        ft__attention_widen_q8(w->a, head, w->wide, w->wide + n);
        head = (const uint8_t *)w->wide;
    } else if (w->a->type == FT_KV_F16) {
        w->k->widen((const uint16_t *)(const void *)head, w->wide, 2 * n);
        head = (const uint8_t *)w->wide;
    }
    w->keys = (const float *)(const void *)head;
    w->values = w->keys + n;
}

/* Adds keys lo .. hi - 1 of the tile to the spans of one token's heads. */
static void ft__attention_tile(ft__attention_work *w, int token, int lo, int hi) {
    const int hd = w->a->head_dim;
    w->k->scores(w->q, w->group, w->keys, hd, w->a->scale, w->s);
    for (int h = 0; h < w->group; h++) {
        const int at = token * w->group + h;
        float *s = w->s + h * FT__TILE, *out = w->out + (size_t)at * (size_t)hd;
        float max = w->k->max(s + lo, hi - lo, w->max[at]);
        float shrink = ft__expf(w->max[at] - max), sum = w->k->softmax(s, lo, hi, max);
        w->sum[at] = w->sum[at] * shrink + sum;
        w->max[at] = max;
        if (shrink != 1.0f) w->k->scale(out, out, shrink, NULL, hd);
    }
    w->k->values(w->out + (size_t)token * (size_t)w->group * (size_t)hd, w->group, w->s, w->values, lo, hi, hd);
}

/* Joins the span to those before it, which stand in `out` (n_heads, head_dim) of the token. */
static void ft__attention_join(ft__attention_work *w, int token, bool first, float *out) {
    const int hd = w->a->head_dim;
    for (int h = 0; h < w->group; h++, out += hd) {
        const int at = token * w->group + h;
        const float *span = w->out + (size_t)at * (size_t)hd;
        float max = first || w->max[at] > w->all_max[at] ? w->max[at] : w->all_max[at];
        float keep = first ? 0 : ft__expf(w->all_max[at] - max), add = first ? 1 : ft__expf(w->max[at] - max);
        w->all_sum[at] = first ? w->sum[at] : w->all_sum[at] * keep + w->sum[at] * add;
        w->all_max[at] = max;
        for (int d = 0; d < hd; d++) out[d] = first ? span[d] : out[d] * keep + span[d] * add;
    }
}

static void ft__attention_finish(const ft__attention_work *w, int token, float *out) {
    for (int h = 0; h < w->group; h++, out += w->a->head_dim) {
        float share = ft__recipf(w->all_sum[token * w->group + h]);
        w->k->scale(out, out, share, NULL, w->a->head_dim);
    }
}

/* The first position that a token sees. */
static int ft__attention_from(const ft__attention *a, int position) {
    return a->window && position >= a->window ? position - a->window + 1 : 0;
}

FT__PRIV void ft__attend(const ft__kernels *k, const ft__attention *a, uint8_t *const *pages, int first,
                         int n, int kv_head, const float *q, float *out, float *scratch) {
    ft__attention_work w;
    memset(&w, 0, sizeof w);
    w.k = k;
    w.a = a;
    w.group = a->n_heads / a->n_kv_heads;
    ft__attention_lay_out(&w, scratch);
    const size_t row = (size_t)a->n_heads * (size_t)a->head_dim, hd = (size_t)a->head_dim;
    const size_t at = (size_t)kv_head * (size_t)w.group * hd, queries = (size_t)n * (size_t)w.group;
    const size_t head_offset = a->page_offset + (size_t)kv_head * ft__attention_head_bytes(a);
    const int from = ft__attention_from(a, first); /* nobody sees what is before */
    for (int span = from / FT__SPAN * FT__SPAN; span < first + n; span += FT__SPAN) {
        memset(w.out, 0, queries * hd * sizeof *out);
        for (size_t i = 0; i < queries; i++) w.max[i] = -3.0e38f, w.sum[i] = 0;
        int tile = from > span ? from / FT__TILE * FT__TILE : span;
        for (; tile < first + n && tile < span + FT__SPAN; tile += FT__TILE) {
            ft__attention_load(&w, pages[tile / FT__TILE] + head_offset);
            for (int t = tile < first ? 0 : tile - first; t < n; t++) {
                const int lo = ft__attention_from(a, first + t) - tile, hi = first + t + 1 - tile;
                w.q = q + (size_t)t * row + at;
                if (lo < FT__TILE)
                    ft__attention_tile(&w, t, lo > 0 ? lo : 0, hi < FT__TILE ? hi : (int)FT__TILE);
            }
        }
        for (int t = span < first ? 0 : span - first; t < n; t++) {
            const int t_from = ft__attention_from(a, first + t);
            if (t_from < span + FT__SPAN)
                ft__attention_join(&w, t, t_from / FT__SPAN * FT__SPAN == span, out + (size_t)t * row + at);
        }
    }
    for (int t = 0; t < n; t++) ft__attention_finish(&w, t, out + (size_t)t * row + at);
}
/* ---- end src/num/attention.c */
/* ---- begin src/text/tok_spm.c */
/* SPM, the tokenizer of SentencePiece BPE models ("llama").  A text becomes characters, blanks
   become U+2581, and again and again the two neighbours are merged whose joined spelling is the
   token with the highest score, the leftmost of equals, until no two neighbours make a token.

   Two things keep that fast and exact.  The text is merged in stretches: between two characters
   that stand side by side in no token at all no merge can ever reach, so cutting there changes
   nothing (in most vocabularies that is before every blank).  Inside a stretch the next merge is
   found by a tree of minima over the keys of all pairs, 16 children a node: a stretch of 16
   characters is one look at 16 numbers, and a megabyte of one letter costs five such looks per
   changed pair. */
/* ---- begin src/text/text.h */
/* Floor 3, the text half: text to tokens and back.  tokenizer.c holds what every tokenizer shares;
   what is peculiar to one kind stands in a room of its own (tok_spm.c) and in a row of the table of
   kinds. */
#ifndef FT__TEXT_H
#define FT__TEXT_H


/* What a token is, by the numbers of tokenizer.ggml.token_type. */
typedef enum ft__token_type {
    FT__TOKEN_NORMAL = 1, FT__TOKEN_UNKNOWN, FT__TOKEN_CONTROL, FT__TOKEN_USER, FT__TOKEN_UNUSED,
    FT__TOKEN_BYTE
} ft__token_type;

enum {
    FT__TOKEN_IS_END = 1,      /* ends generation */
    FT__TOKEN_EATS_SPACE = 2   /* swallows the white space after it (phi-3) */
};

typedef struct ft__vocab ft__vocab;

/* One of the parts that a text is made of: first a character, then whatever merging makes. */
typedef struct ft__tok_symbol {
    uint64_t hash, power;  /* of its bytes; see ft__tok_hash_join */
    uint32_t start, len;   /* its bytes in ft__tok_work.text */
    uint32_t prev, next;   /* neighbours, UINT32_MAX where there is none */
    int32_t id;            /* the token that it was merged into, -1 if it is still a character */
    int32_t pair;          /* the token that it and `next` would make, -1 if none */
} ft__tok_symbol;

/* Memory of one call of ft__vocab_tokenize; grows as needed. */
typedef struct ft__tok_work {
    ft_allocator allocator;
    int32_t *ids;
    size_t n_ids, cap_ids;
    char *text;            /* the stretch being merged, normalised */
    size_t n_text, cap_text;
    ft__tok_symbol *symbols;
    size_t n_symbols, cap_symbols;
    uint64_t *keys;
    size_t cap_keys;
} ft__tok_work;

/* One tokenizer: a row of the table in tokenizer.c. */
typedef struct ft__tok_kind {
    const char *model;                /* tokenizer.ggml.model */
    int32_t bos, eos, unk;            /* where the file names none */
    bool add_bos, add_space_prefix;   /* likewise */
    /* Reads what only this kind needs; ends the loading of a vocabulary. */
    ft_status (*prepare)(ft__vocab *v, const ft__gguf *g, ft_error *err);
    /* Appends the ids of a text without special tokens (n >= 1). */
    ft_status (*tokenize)(const ft__vocab *v, ft__tok_work *w, const char *text, size_t n,
                          ft_error *err);
    /* Writes what a normal token's spelling stands for; never longer than the spelling. */
    size_t (*spell)(ft__gguf_str spelling, char *out);
} ft__tok_kind;

/* A token that is cut out of the text before anything else is done. */
typedef struct ft__tok_special {
    ft__gguf_str text;
    int32_t id;
} ft__tok_special;

typedef struct ft__tok_slot {
    uint32_t tag;  /* some bits of the hash: saves most comparisons */
    int32_t id;    /* -1: free */
} ft__tok_slot;

/* A vocabulary; nothing changes it once it is loaded, so any number of threads may use it.
   Spellings lie in the mapped file, which must outlive it. */
struct ft__vocab {
    ft__arena arena;
    const char *model;          /* tokenizer.ggml.model, "" if the file has none */
    const ft__tok_kind *kind;   /* NULL: this version cannot tokenize for that model */
    int32_t n_vocab;            /* 0 if the file has no tokens */
    const ft__gguf_str *tokens; /* (n_vocab) as spelled in the file */
    uint8_t *types;             /* (n_vocab) ft__token_type, corrected */
    uint8_t *flags;             /* (n_vocab) FT__TOKEN_... */
    int32_t bos, eos, unk;      /* -1 if none */
    bool add_bos, add_eos, add_space_prefix;

    char *pieces;               /* every token's text, back to back */
    size_t *piece_at;           /* (n_vocab + 1) */
    ft__tok_slot *slots;        /* spelling -> id: open addressing, 2^(64 - slot_shift) slots */
    uint32_t slot_shift;
    size_t longest;             /* bytes of the longest spelling */
    ft__tok_special *specials;  /* sorted by their bytes */
    uint32_t first[257];        /* those that begin with byte b: first[b] .. first[b + 1] */

    int32_t byte_ids[256];      /* SPM: the token of each byte, -1 if none */
    uint32_t *order;            /* SPM: (n_vocab) the score as an integer; lowest is merged first */
    uint8_t *joined;            /* SPM: bit (a, b) is set if some token has edge a before edge b */
};

/* ---- tokenizer: text/tokenizer.c */

/* Reads the vocabulary of a file.  A file without one, or with one whose model this version lacks,
   loads too: then `kind` is NULL and only tokenizing, detokenizing and pieces are out of reach. */
FT__PRIV ft_status ft__vocab_load(ft__vocab **out, ft__gguf *g, const ft_allocator *a,
                                  ft_error *err);
FT__PRIV void ft__vocab_free(ft__vocab *v); /* NULL is fine */

/* As ft_tokenize and ft_detokenize in ft.h. */
FT__PRIV ft_status ft__vocab_tokenize(const ft__vocab *v, const char *text, size_t n,
                                      unsigned flags, int32_t *tokens, size_t cap, size_t *n_out,
                                      ft_error *err);
FT__PRIV ft_status ft__vocab_detokenize(const ft__vocab *v, const int32_t *tokens, size_t n_tokens,
                                        char *text, size_t cap, size_t *n_out, ft_error *err);

/* The bytes that one token adds to a text, perhaps part of a character; not NUL-terminated. Nothing
   for control tokens, ids outside the vocabulary, and where `kind` is NULL. */
FT__PRIV const char *ft__vocab_piece(const ft__vocab *v, int32_t token, size_t *n);
/* True if the token ends generation. */
FT__PRIV bool ft__vocab_is_end(const ft__vocab *v, int32_t token);

/* For the kinds.  An array of one number (a float where `floats`) per token, or *kv NULL if there
   is none; any other length or type is FT_ERR_FORMAT. */
FT__PRIV ft_status ft__tok_array(const ft__vocab *v, const ft__gguf *g, const char *key,
                                 bool floats, const ft__gguf_kv **kv, ft_error *err);
/* A spelling's hash is a polynomial in its bytes, so that the hash of two texts joined
   follows from theirs: start with {hash 0, power 1}, add bytes, join. */
FT__PRIV void ft__tok_hash(const char *text, size_t n, uint64_t *hash, uint64_t *power);
FT__PRIV uint64_t ft__tok_hash_join(uint64_t left, uint64_t right, uint64_t right_power);
FT__PRIV int32_t ft__tok_find(const ft__vocab *v, const char *text, size_t n, uint64_t hash);
FT__PRIV bool ft__tok_push(ft__tok_work *w, int32_t id);

/* ---- tok_spm: text/tok_spm.c */
FT__PRIV ft_status ft__spm_prepare(ft__vocab *v, const ft__gguf *g, ft_error *err);
FT__PRIV ft_status ft__spm_tokenize(const ft__vocab *v, ft__tok_work *w, const char *text, size_t n,
                                    ft_error *err);
FT__PRIV size_t ft__spm_spell(ft__gguf_str spelling, char *out);

#endif /* FT__TEXT_H */
/* ---- end src/text/text.h */

#define FT__SPM_FANOUT 16u
#define FT__SPM_LEVELS 10 /* 16^8 leaves, the root, one to spare */
#define FT__SPM_NOTHING UINT64_MAX
#define FT__SPM_END UINT32_MAX
#define FT__SPM_BLANK "\xE2\x96\x81"

static bool ft__spm_is_blank(const char *c, size_t len) {
    return len == 3 && memcmp(c, FT__SPM_BLANK, 3) == 0;
}

FT__PRIV size_t ft__spm_spell(ft__gguf_str spelling, char *out) {
    const char *p = spelling.data, *end = p + spelling.len;
    size_t n = 0;
    while (p < end) {
        bool blank = end - p >= 3 && ft__spm_is_blank(p, 3);
        out[n++] = blank ? ' ' : *p;
        p += blank ? 3 : 1;
    }
    return n;
}

/* ---- what loading prepares */

/* A character as its neighbour sees it: the byte next to the neighbour, but U+2581 as a blank, so
   that it is not taken for the many characters that share its bytes.  (Blanks proper are gone.) */
static unsigned ft__spm_left_edge(const char *c, size_t len) {
    return ft__spm_is_blank(c, len) ? ' ' : (uint8_t)c[len - 1];
}

static unsigned ft__spm_right_edge(const char *c, size_t len) {
    return ft__spm_is_blank(c, len) ? ' ' : (uint8_t)c[0];
}

static void ft__spm_note_edges(ft__vocab *v, ft__gguf_str spelling) {
    const char *p = spelling.data, *end = p + spelling.len;
    unsigned left = 256;
    while (p < end) {
        const char *c = p;
        ft__utf8_next(&p, end);
        unsigned bit = left << 8 | ft__spm_right_edge(c, (size_t)(p - c));
        if (left < 256) v->joined[bit / 8] |= (uint8_t)(1u << bit % 8);
        left = ft__spm_left_edge(c, (size_t)(p - c));
    }
}

/* The score as an integer that is smaller the higher the score. */
static uint32_t ft__spm_order(float score) {
    uint32_t bits = ft__bits_of(score == 0 ? 0.0f : score); /* -0 equals 0 */
    return bits >> 31 ? bits : ~(bits | 0x80000000u);
}

FT__PRIV ft_status ft__spm_prepare(ft__vocab *v, const ft__gguf *g, ft_error *err) {
    const ft__gguf_kv *scores;
    ft_status status = ft__tok_array(v, g, "tokenizer.ggml.scores", true, &scores, err);
    if (status) return status;
    if (!scores)
        return ft__fail(err, FT_ERR_FORMAT, g->path,
                        "tokenizer.ggml.scores is missing, the tokenizer %s needs it", v->model);
    v->order = (uint32_t *)ft__arena_alloc(&v->arena, (size_t)v->n_vocab, sizeof *v->order);
    v->joined = (uint8_t *)ft__arena_alloc(&v->arena, 256 * 256 / 8, 1);
    if (!v->order || !v->joined) return ft__fail_memory(err);
    for (int32_t i = 0; i < v->n_vocab; i++) {
        float score = (float)ft__gguf_number_at(scores, (uint64_t)i);
        if (score != score)
            return ft__fail(err, FT_ERR_FORMAT, g->path,
                            "tokenizer.ggml.scores[%d] is no number", (int)i);
        v->order[i] = ft__spm_order(score);
        ft__spm_note_edges(v, v->tokens[i]);
    }
    bool all_bytes = true;
    for (int b = 0; b < 256; b++) all_bytes = all_bytes && v->byte_ids[b] >= 0;
    if (!all_bytes && v->unk < 0)
        return ft__fail(err, FT_ERR_FORMAT, g->path,
                        "tokenizer.ggml.tokens holds neither all 256 byte tokens nor an unknown "
                        "token (tokenizer.ggml.unknown_token_id): not every text can be spelled");
    return FT_OK;
}

/* ---- the tree of minima */

typedef struct ft__spm_tree {
    uint64_t *level[FT__SPM_LEVELS]; /* level[0]: a key per symbol, the last level: one number */
    int top;
} ft__spm_tree;

static uint64_t ft__spm_least(const uint64_t *keys) {
    uint64_t a = keys[0], b = keys[1];
    for (unsigned i = 2; i < FT__SPM_FANOUT; i += 2) {
        a = keys[i] < a ? keys[i] : a;
        b = keys[i + 1] < b ? keys[i + 1] : b;
    }
    return a < b ? a : b;
}

static void ft__spm_set(ft__spm_tree *t, uint32_t i, uint64_t key) {
    t->level[0][i] = key;
    for (int k = 1; k <= t->top; k++) {
        i /= FT__SPM_FANOUT;
        uint64_t least = ft__spm_least(t->level[k - 1] + (size_t)i * FT__SPM_FANOUT);
        if (t->level[k][i] == least) return;
        t->level[k][i] = least;
    }
}

/* Lays the levels out in w->keys for n >= 1 leaves, all empty; all but the root
   are whole groups. */
static bool ft__spm_plant(ft__tok_work *w, size_t n, ft__spm_tree *t) {
    size_t start[FT__SPM_LEVELS], total = 0;
    for (t->top = 0;; t->top++) {
        size_t groups = (n + FT__SPM_FANOUT - 1) / FT__SPM_FANOUT;
        start[t->top] = total;
        total += n == 1 ? 1 : groups * FT__SPM_FANOUT;
        if (n == 1) break;
        n = groups;
    }
    if (!ft__grow(&w->allocator, (void **)&w->keys, &w->cap_keys, total, sizeof *w->keys))
        return false;
    for (int k = 0; k <= t->top; k++) t->level[k] = w->keys + start[k];
    memset(w->keys, 0xFF, total * sizeof *w->keys);
    return true;
}

/* ---- merging one stretch */

/* What decides about the pair at symbol i: its token's score, then its place. */
static uint64_t ft__spm_key(const ft__vocab *v, const ft__tok_work *w, uint32_t i) {
    ft__tok_symbol *left = w->symbols + i;
    if (left->next == FT__SPM_END) return FT__SPM_NOTHING;
    const ft__tok_symbol *right = w->symbols + left->next;
    uint64_t hash = ft__tok_hash_join(left->hash, right->hash, right->power);
    left->pair = ft__tok_find(v, w->text + left->start, (size_t)left->len + right->len, hash);
    return left->pair < 0 ? FT__SPM_NOTHING : (uint64_t)v->order[left->pair] << 32 | i;
}

static void ft__spm_merge(const ft__vocab *v, ft__tok_work *w, ft__spm_tree *t) {
    ft__tok_symbol *s = w->symbols;
    uint64_t best;
    while ((best = t->level[t->top][0]) != FT__SPM_NOTHING) {
        uint32_t i = (uint32_t)best, gone = s[i].next;
        s[i].id = s[i].pair;
        s[i].hash = ft__tok_hash_join(s[i].hash, s[gone].hash, s[gone].power);
        s[i].power *= s[gone].power;
        s[i].len += s[gone].len;
        s[i].next = s[gone].next;
        if (s[i].next != FT__SPM_END) s[s[i].next].prev = i;
        ft__spm_set(t, gone, FT__SPM_NOTHING);
        ft__spm_set(t, i, ft__spm_key(v, w, i));
        if (s[i].prev != FT__SPM_END) ft__spm_set(t, s[i].prev, ft__spm_key(v, w, s[i].prev));
    }
}

/* A symbol that is no token: its bytes, or the unknown token if one of them has no token. */
static bool ft__spm_push_bytes(const ft__vocab *v, ft__tok_work *w, const ft__tok_symbol *s) {
    const uint8_t *bytes = (const uint8_t *)w->text + s->start;
    for (uint32_t k = 0; k < s->len; k++)
        if (v->byte_ids[bytes[k]] < 0) return ft__tok_push(w, v->unk);
    for (uint32_t k = 0; k < s->len; k++)
        if (!ft__tok_push(w, v->byte_ids[bytes[k]])) return false;
    return true;
}

/* Merges the stretch in w->symbols, appends its ids and empties it; false if out of memory. */
static bool ft__spm_finish(const ft__vocab *v, ft__tok_work *w) {
    uint32_t n = (uint32_t)w->n_symbols;
    ft__spm_tree t;
    if (n == 0) return true;
    if (!ft__spm_plant(w, n, &t)) return false;
    for (uint32_t i = 0; i < n; i++) {
        w->symbols[i].prev = i > 0 ? i - 1 : FT__SPM_END;
        w->symbols[i].next = i + 1 < n ? i + 1 : FT__SPM_END;
        t.level[0][i] = ft__spm_key(v, w, i);
    }
    for (int k = 1; k <= t.top; k++) {
        n = (n + FT__SPM_FANOUT - 1) / FT__SPM_FANOUT;
        for (uint32_t i = 0; i < n; i++)
            t.level[k][i] = ft__spm_least(t.level[k - 1] + (size_t)i * FT__SPM_FANOUT);
    }
    ft__spm_merge(v, w, &t);
    for (uint32_t i = 0; i != FT__SPM_END; i = w->symbols[i].next) {
        const ft__tok_symbol *s = w->symbols + i;
        int32_t id = s->id >= 0 ? s->id : ft__tok_find(v, w->text + s->start, s->len, s->hash);
        if (id >= 0 ? !ft__tok_push(w, id) : !ft__spm_push_bytes(v, w, s)) return false;
    }
    w->n_symbols = w->n_text = 0;
    return true;
}

static bool ft__spm_add(ft__tok_work *w, const char *c, size_t len) {
    if (!ft__grow(&w->allocator, (void **)&w->text, &w->cap_text, w->n_text + len, 1) ||
        !ft__grow(&w->allocator, (void **)&w->symbols, &w->cap_symbols, w->n_symbols + 1,
                  sizeof *w->symbols))
        return false;
    ft__tok_symbol *s = w->symbols + w->n_symbols++;
    s->start = (uint32_t)w->n_text;
    s->len = (uint32_t)len;
    s->id = s->pair = -1;
    ft__tok_hash(c, len, &s->hash, &s->power);
    memcpy(w->text + w->n_text, c, len);
    w->n_text += len;
    return true;
}

FT__PRIV ft_status ft__spm_tokenize(const ft__vocab *v, ft__tok_work *w, const char *text, size_t n,
                                    ft_error *err) {
    const char *p = text, *end = text + n;
    bool blank = v->add_space_prefix;
    unsigned left = 0;
    while (blank || p < end) {
        const char *c = p;
        if (!blank) ft__utf8_next(&p, end); /* a bad byte is a character of its own */
        size_t len = (size_t)(p - c);
        if (blank || *c == ' ') c = FT__SPM_BLANK, len = 3;
        blank = false;
        unsigned edges = left << 8 | ft__spm_right_edge(c, len);
        if (!(v->joined[edges / 8] >> edges % 8 & 1) && !ft__spm_finish(v, w))
            return ft__fail_memory(err);
        if (w->n_text > UINT32_MAX - 8)
            return ft__fail(err, FT_ERR_LIMIT, "", "a word of more than 4 GB in the text");
        if (!ft__spm_add(w, c, len)) return ft__fail_memory(err);
        left = ft__spm_left_edge(c, len);
    }
    return ft__spm_finish(v, w) ? FT_OK : ft__fail_memory(err);
}

#undef FT__SPM_FANOUT
#undef FT__SPM_LEVELS
#undef FT__SPM_NOTHING
#undef FT__SPM_END
#undef FT__SPM_BLANK
/* ---- end src/text/tok_spm.c */
/* ---- begin src/text/tokenizer.c */
/* What all tokenizers share: reading the vocabulary of a GGUF file, finding tokens by spelling,
   cutting a text at special tokens, BOS and EOS, and the way back to text.  How the text between
   two special tokens becomes ids is a matter of the kind: a row of ft__tok_kinds. */

static const ft__tok_kind ft__tok_kinds[] = {
    {"llama", 1, 2, 0, true, true, ft__spm_prepare, ft__spm_tokenize, ft__spm_spell},
};

/* ---- finding a token by its spelling */

FT__PRIV void ft__tok_hash(const char *text, size_t n, uint64_t *hash, uint64_t *power) {
    uint64_t h = 0, p = 1;
    for (size_t i = 0; i < n; i++) {
        h = ft__tok_hash_join(h, (uint64_t)(uint8_t)text[i] + 1, 0x9FB21C651E98DF25u);
        p *= 0x9FB21C651E98DF25u;
    }
    *hash = h;
    *power = p;
}

FT__PRIV uint64_t ft__tok_hash_join(uint64_t left, uint64_t right, uint64_t right_power) {
    return left * right_power + right;
}

/* The slot that holds this spelling, or the free one where it would go. */
static ft__tok_slot *ft__tok_slot_of(const ft__vocab *v, const char *text, size_t n, uint64_t hash,
                                     uint32_t *tag) {
    uint64_t mixed = hash * 0x9E3779B97F4A7C15u; /* the high bits depend on all bits */
    uint64_t mask = UINT64_MAX >> v->slot_shift, at = mixed >> v->slot_shift;
    *tag = (uint32_t)mixed;
    for (;; at = (at + 1) & mask) {
        ft__tok_slot *slot = v->slots + at;
        if (slot->id < 0) return slot;
        if (slot->tag != *tag) continue;
        ft__gguf_str found = v->tokens[slot->id];
        if (ft__text_equal(found.data, found.len, text, n)) return slot;
    }
}

FT__PRIV int32_t ft__tok_find(const ft__vocab *v, const char *text, size_t n, uint64_t hash) {
    uint32_t tag;
    return n > v->longest ? -1 : ft__tok_slot_of(v, text, n, hash, &tag)->id;
}

static int32_t ft__tok_find_text(const ft__vocab *v, const char *text) {
    uint64_t hash, power;
    ft__tok_hash(text, strlen(text), &hash, &power);
    return ft__tok_find(v, text, strlen(text), hash);
}

/* Of two tokens with one spelling the later is found; empty spellings are not. */
static ft_status ft__tok_build_slots(ft__vocab *v, ft__gguf *g, ft_error *err) {
    size_t n = 4;
    (void)g;
    v->slot_shift = 62;
    while (n < 2 * (size_t)v->n_vocab) n *= 2, v->slot_shift--;
    v->slots = (ft__tok_slot *)ft__arena_alloc(&v->arena, n, sizeof *v->slots);
    if (!v->slots) return ft__fail_memory(err);
    memset(v->slots, 0xFF, n * sizeof *v->slots); /* id -1 */
    for (int32_t i = 0; i < v->n_vocab; i++) {
        ft__gguf_str t = v->tokens[i];
        uint64_t hash, power;
        uint32_t tag;
        if (t.len == 0) continue;
        if (t.len > v->longest) v->longest = t.len;
        ft__tok_hash(t.data, t.len, &hash, &power);
        ft__tok_slot *slot = ft__tok_slot_of(v, t.data, t.len, hash, &tag);
        slot->tag = tag;
        slot->id = i;
    }
    return FT_OK;
}

/* ---- reading the file */

static ft_status ft__tok_bad_key(const ft__gguf *g, const char *key, ft_error *err, const char *fmt,
                                 ...) FT__PRINTF(4, 5);
static ft_status ft__tok_bad_key(const ft__gguf *g, const char *key, ft_error *err, const char *fmt,
                                 ...) {
    char where[384], message[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    snprintf(where, sizeof where, "%.250s: %s", g->path, key);
    return ft__fail(err, FT_ERR_FORMAT, where, "%s", message);
}

static ft_status ft__tok_read_model(ft__vocab *v, ft__gguf *g, ft_error *err) {
    ft__gguf_str model = {"", 0};
    ft_status status = ft__gguf_string(g, "tokenizer.ggml.model", &model, err);
    if (status) return status;
    v->model = ft__arena_text(&v->arena, model.data, model.len);
    if (!v->model) return ft__fail_memory(err);
    for (size_t i = 0; i < FT__COUNT(ft__tok_kinds); i++)
        if (ft__text_equal(model.data, model.len, ft__tok_kinds[i].model,
                           strlen(ft__tok_kinds[i].model)))
            v->kind = &ft__tok_kinds[i];
    return FT_OK;
}

static ft_status ft__tok_read_tokens(ft__vocab *v, ft__gguf *g, ft_error *err) {
    const char *key = "tokenizer.ggml.tokens";
    const ft__gguf_kv *kv = ft__gguf_key(g, key);
    ft__gguf_str *tokens = NULL;
    if (!kv && v->kind)
        return ft__tok_bad_key(g, key, err, "is missing, the tokenizer %s needs it", v->model);
    if (!kv) return FT_OK;
    ft_status status = ft__gguf_strings(g, kv, &tokens, err);
    if (status) return status;
    if (kv->count == 0 || kv->count > INT32_MAX)
        return ft__tok_bad_key(g, key, err, "must hold 1 to 2147483647 tokens, found %llu",
                               (unsigned long long)kv->count);
    v->tokens = tokens;
    v->n_vocab = (int32_t)kv->count;
    return FT_OK;
}

FT__PRIV ft_status ft__tok_array(const ft__vocab *v, const ft__gguf *g, const char *key,
                                 bool floats, const ft__gguf_kv **kv, ft_error *err) {
    *kv = ft__gguf_key(g, key);
    if (!*kv) return FT_OK;
    ft__gguf_type t = (*kv)->element;
    bool is_float = t == FT__GGUF_F32 || t == FT__GGUF_F64;
    if ((*kv)->type != FT__GGUF_ARRAY || t == FT__GGUF_STRING || t == FT__GGUF_ARRAY ||
        t == FT__GGUF_BOOL || is_float != floats)
        return ft__tok_bad_key(g, key, err, "must be an array of %s",
                               floats ? "floats" : "integers");
    if ((*kv)->count != (uint64_t)v->n_vocab)
        return ft__tok_bad_key(g, key, err,
                               "must hold one value for each of the %d tokens, found %llu values",
                               (int)v->n_vocab, (unsigned long long)(*kv)->count);
    return FT_OK;
}

static int ft__tok_hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that "<0xXX>" stands for, -1 if the spelling is another. */
static int ft__tok_byte_of(ft__gguf_str t) {
    if (t.len != 6 || memcmp(t.data, "<0x", 3) != 0 || t.data[5] != '>') return -1;
    int high = ft__tok_hex_digit(t.data[3]), low = ft__tok_hex_digit(t.data[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* In a file without types a byte token is known by its spelling. */
static ft_status ft__tok_read_types(ft__vocab *v, ft__gguf *g, ft_error *err) {
    const char *key = "tokenizer.ggml.token_type";
    const ft__gguf_kv *types;
    ft_status status = ft__tok_array(v, g, key, false, &types, err);
    if (status) return status;
    v->types = (uint8_t *)ft__arena_alloc(&v->arena, (size_t)v->n_vocab, 1);
    v->flags = (uint8_t *)ft__arena_alloc(&v->arena, (size_t)v->n_vocab, 1);
    if (!v->types || !v->flags) return ft__fail_memory(err);
    for (int b = 0; b < 256; b++) v->byte_ids[b] = -1;
    for (int32_t i = 0; i < v->n_vocab; i++) {
        int64_t type = FT__TOKEN_NORMAL;
        int byte = ft__tok_byte_of(v->tokens[i]);
        if (types) type = ft__gguf_int_at(types, (uint64_t)i);
        if (type < 0 || type > FT__TOKEN_BYTE)
            return ft__tok_bad_key(g, key, err, "token %d must have a type from 1 to 6, found %lld",
                                   (int)i, (long long)type);
        if (byte >= 0 && (type == FT__TOKEN_BYTE || !types)) v->byte_ids[byte] = i;
        if (byte >= 0 && !types) type = FT__TOKEN_BYTE;
        if ((byte < 0 && type == FT__TOKEN_BYTE) || type == 0) type = FT__TOKEN_NORMAL;
        v->types[i] = (uint8_t)type;
    }
    return FT_OK;
}

/* ---- special ids and what the spellings say */

/* An id outside the vocabulary means "none". */
static ft_status ft__tok_read_id(const ft__vocab *v, const ft__gguf *g, const char *key,
                                 int32_t otherwise, int32_t *id, ft_error *err) {
    int64_t value = otherwise, highest = v->n_vocab ? v->n_vocab - 1 : INT32_MAX;
    ft_status status = ft__gguf_int(g, key, INT64_MIN, INT64_MAX, &value, err);
    *id = value >= 0 && value <= highest ? (int32_t)value : -1;
    return status;
}

/* Files type these tokens differently; llama.cpp and its kin go by the spelling.  So do we, but
   only where the file says control or user-defined: Qwen has "</s>" as an ordinary token, and a
   model that strikes through HTML must not stop there. */
static const char *const ft__tok_ends[] = {
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>",
    "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<|eom_id|>", "</s>", "<EOT>", "_<EOT>",
    "[EOT]", "[EOS]", "<eos>", "<turn|>", "<|tool_response>", "<end_of_utterance>",
    "<｜end▁of▁sentence｜>",
    /* filling in the middle: what stands after the text */
    "<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]", "<|fim_repo|>", "<fim-repo>",
    "<|repo_name|>", "<REPO>", "<reponame>", "<|file_sep|>",
};

/* Filling in the middle: what opens the parts. */
static const char *const ft__tok_controls[] = {
    "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>",
    "<|code_prefix|>", "<|prefix|>", "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>",
    "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>", "<|suffix|>", "<|fim_middle|>",
    "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>",
    "<|middle|>",
};

/* gpt-oss: its channels are part of the text. */
static const char *const ft__tok_users[] = {
    "<|channel|>", "<|message|>", "<|start|>", "<|constrain|>",
};

static void ft__tok_retype(ft__vocab *v, const char *const *texts, size_t n, ft__token_type type,
                           unsigned flag) {
    for (size_t i = 0; i < n; i++) {
        int32_t id = ft__tok_find_text(v, texts[i]);
        if (id < 0 || (v->types[id] != FT__TOKEN_CONTROL && v->types[id] != FT__TOKEN_USER))
            continue;
        v->types[id] = (uint8_t)type;
        v->flags[id] = (uint8_t)(v->flags[id] | flag);
    }
}

static bool ft__tok_text_ends(const ft__vocab *v, const char *text) {
    return ft__vocab_is_end(v, ft__tok_find_text(v, text));
}

/* A token that an end above turns out not to be, in this company. */
static void ft__tok_unend(ft__vocab *v, const char *text, ft__token_type type) {
    int32_t id = ft__tok_find_text(v, text);
    if (!ft__vocab_is_end(v, id)) return;
    v->flags[id] = (uint8_t)(v->flags[id] & ~FT__TOKEN_IS_END);
    v->types[id] = (uint8_t)type;
}

static void ft__tok_apply_spellings(ft__vocab *v) {
    ft__tok_retype(v, ft__tok_ends, FT__COUNT(ft__tok_ends), FT__TOKEN_CONTROL, FT__TOKEN_IS_END);
    ft__tok_retype(v, ft__tok_controls, FT__COUNT(ft__tok_controls), FT__TOKEN_CONTROL, 0);
    ft__tok_retype(v, ft__tok_users, FT__COUNT(ft__tok_users), FT__TOKEN_USER, 0);
    if ((ft__tok_text_ends(v, "<|return|>") && ft__tok_text_ends(v, "<|call|>")) ||
        (ft__tok_text_ends(v, "<|flush|>") && ft__tok_text_ends(v, "<|calls|>")))
        ft__tok_unend(v, "<|end|>", FT__TOKEN_USER);
    if (ft__tok_text_ends(v, "<|tool_response>")) ft__tok_unend(v, "</s>", FT__TOKEN_NORMAL);
}

static bool ft__tok_is_special(const ft__vocab *v, int32_t id) {
    return v->types[id] == FT__TOKEN_CONTROL || v->types[id] == FT__TOKEN_USER ||
           v->types[id] == FT__TOKEN_UNKNOWN;
}

/* Phi-3 was made with special tokens that strip what follows; only its name says so. */
static void ft__tok_apply_phi3(ft__vocab *v, ft__gguf_str name) {
    static const char *const keep[] = {"<unk>", "<s>", "<|endoftext|>"};
    char lower[256];
    size_t n = name.len < sizeof lower - 1 ? name.len : sizeof lower - 1;
    for (size_t i = 0; i < n; i++) {
        char c = name.data[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c ? c : ' ';
    }
    lower[n] = 0;
    if (!strstr(lower, "phi-3") && !strstr(lower, "phi3")) return;
    for (int32_t i = 0; i < v->n_vocab; i++)
        if (ft__tok_is_special(v, i)) v->flags[i] |= FT__TOKEN_EATS_SPACE;
    for (size_t i = 0; i < FT__COUNT(keep); i++) {
        int32_t id = ft__tok_find_text(v, keep[i]);
        if (id >= 0) v->flags[id] = (uint8_t)(v->flags[id] & ~FT__TOKEN_EATS_SPACE);
    }
}

static ft_status ft__tok_read_specials(ft__vocab *v, ft__gguf *g, ft_error *err) {
    static const char *const end_keys[] = {
        "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id",
        "tokenizer.ggml.fim_pad_token_id", "tokenizer.ggml.fim_rep_token_id",
        "tokenizer.ggml.fim_sep_token_id",
    };
    const ft__tok_kind *kind = v->kind;
    ft__gguf_str name = {"", 0};
    int32_t id, unk = kind ? kind->unk : -1;
    ft_status status;
    if (unk >= 0 && unk < v->n_vocab && ft__gguf_key(g, "tokenizer.ggml.token_type") &&
        v->types[unk] != FT__TOKEN_UNKNOWN && v->types[unk] != FT__TOKEN_CONTROL)
        unk = -1; /* the usual place holds something else */
    v->add_bos = kind && kind->add_bos;
    v->add_space_prefix = kind && kind->add_space_prefix;
    if ((status = ft__tok_read_id(v, g, "tokenizer.ggml.bos_token_id", kind ? kind->bos : -1,
                                  &v->bos, err)) ||
        (status = ft__tok_read_id(v, g, "tokenizer.ggml.eos_token_id", kind ? kind->eos : -1,
                                  &v->eos, err)) ||
        (status = ft__tok_read_id(v, g, "tokenizer.ggml.unknown_token_id", unk, &v->unk, err)) ||
        (status = ft__gguf_bool(g, "tokenizer.ggml.add_bos_token", &v->add_bos, err)) ||
        (status = ft__gguf_bool(g, "tokenizer.ggml.add_eos_token", &v->add_eos, err)) ||
        (status = ft__gguf_bool(g, "tokenizer.ggml.add_space_prefix", &v->add_space_prefix, err)) ||
        (status = ft__gguf_string(g, "general.name", &name, err)))
        return status;
    ft__tok_apply_spellings(v);
    if (v->eos >= 0 && v->n_vocab) v->flags[v->eos] |= FT__TOKEN_IS_END;
    for (size_t i = 0; i < FT__COUNT(end_keys); i++) {
        if ((status = ft__tok_read_id(v, g, end_keys[i], -1, &id, err))) return status;
        if (id >= 0 && v->n_vocab) v->flags[id] |= FT__TOKEN_IS_END;
    }
    ft__tok_apply_phi3(v, name);
    return FT_OK;
}

static ft_status ft__tok_prepare_kind(ft__vocab *v, ft__gguf *g, ft_error *err) {
    return v->kind ? v->kind->prepare(v, g, err) : FT_OK;
}

/* ---- tables that are built */

static int ft__tok_by_text(const void *a, const void *b) {
    const ft__tok_special *x = (const ft__tok_special *)a, *y = (const ft__tok_special *)b;
    size_t n = x->text.len < y->text.len ? x->text.len : y->text.len;
    int order = memcmp(x->text.data, y->text.data, n);
    if (order) return order;
    if (x->text.len != y->text.len) return x->text.len < y->text.len ? -1 : 1;
    return x->id < y->id ? 1 : -1; /* the later of equals comes first and is the one kept */
}

static ft_status ft__tok_sort_specials(ft__vocab *v, ft__gguf *g, ft_error *err) {
    size_t n = 0, kept = 0;
    (void)g;
    for (int32_t i = 0; i < v->n_vocab; i++) n += ft__tok_is_special(v, i);
    ft__tok_special *all = (ft__tok_special *)ft__arena_alloc(&v->arena, n, sizeof *all);
    if (!all) return ft__fail_memory(err);
    n = 0;
    for (int32_t i = 0; i < v->n_vocab; i++) {
        if (!ft__tok_is_special(v, i) || v->tokens[i].len == 0) continue;
        all[n].text = v->tokens[i];
        all[n++].id = i;
    }
    if (n) qsort(all, n, sizeof *all, ft__tok_by_text);
    for (size_t i = 0; i < n; i++) {
        if (kept && ft__text_equal(all[kept - 1].text.data, all[kept - 1].text.len,
                                   all[i].text.data, all[i].text.len))
            continue;
        v->first[(uint8_t)all[i].text.data[0] + 1]++;
        all[kept++] = all[i];
    }
    for (int b = 0; b < 256; b++) v->first[b + 1] += v->first[b];
    v->specials = all;
    return FT_OK;
}

static size_t ft__tok_spell(const ft__vocab *v, int32_t id, char *out) {
    ft__gguf_str t = v->tokens[id];
    switch (v->types[id]) {
    case FT__TOKEN_CONTROL: case FT__TOKEN_UNKNOWN: return 0;
    case FT__TOKEN_BYTE: *out = (char)ft__tok_byte_of(t); return 1;
    case FT__TOKEN_USER: memcpy(out, t.data, t.len); return t.len;
    default: return v->kind->spell(t, out);
    }
}

static ft_status ft__tok_build_pieces(ft__vocab *v, ft__gguf *g, ft_error *err) {
    size_t total = 0, n_vocab = (size_t)v->n_vocab;
    (void)g;
    if (!v->kind) return FT_OK;
    for (size_t i = 0; i < n_vocab; i++) total += v->tokens[i].len; /* all inside one file */
    v->pieces = (char *)ft__arena_alloc(&v->arena, total, 1);
    v->piece_at = (size_t *)ft__arena_alloc(&v->arena, n_vocab + 1, sizeof *v->piece_at);
    if (!v->pieces || !v->piece_at) return ft__fail_memory(err);
    for (size_t i = 0; i < n_vocab; i++)
        v->piece_at[i + 1] =
            v->piece_at[i] + ft__tok_spell(v, (int32_t)i, v->pieces + v->piece_at[i]);
    return FT_OK;
}

FT__PRIV ft_status ft__vocab_load(ft__vocab **out, ft__gguf *g, const ft_allocator *a,
                                  ft_error *err) {
    static ft_status (*const steps[])(ft__vocab *, ft__gguf *, ft_error *) = {
        ft__tok_read_model, ft__tok_read_tokens, ft__tok_build_slots, ft__tok_read_types,
        ft__tok_read_specials, ft__tok_prepare_kind, ft__tok_sort_specials, ft__tok_build_pieces,
    };
    ft_allocator allocator = ft__allocator(a);
    ft_status status = FT_OK;
    ft__vocab *v = (ft__vocab *)ft__alloc_zero(&allocator, 1, sizeof *v);
    *out = NULL;
    if (!v) return ft__fail_memory(err);
    ft__arena_init(&v->arena, &allocator);
    for (size_t i = 0; i < FT__COUNT(steps) && !status; i++) status = steps[i](v, g, err);
    if (status) ft__vocab_free(v);
    else *out = v;
    return status;
}

FT__PRIV void ft__vocab_free(ft__vocab *v) {
    if (!v) return;
    ft_allocator allocator = v->arena.allocator;
    ft__arena_free(&v->arena);
    ft__free(&allocator, v);
}

/* ---- text to ids */

FT__PRIV bool ft__tok_push(ft__tok_work *w, int32_t id) {
    if (!ft__grow(&w->allocator, (void **)&w->ids, &w->cap_ids, w->n_ids + 1, sizeof *w->ids))
        return false;
    w->ids[w->n_ids++] = id;
    return true;
}

/* The first special in lo..hi whose byte k is at least `byte`; all agree in bytes 0..k-1. */
static uint32_t ft__tok_bound(const ft__vocab *v, uint32_t lo, uint32_t hi, size_t k,
                              unsigned byte) {
    while (lo < hi) {
        uint32_t middle = lo + (hi - lo) / 2;
        if ((uint8_t)v->specials[middle].text.data[k] < byte) lo = middle + 1;
        else hi = middle;
    }
    return lo;
}

/* The longest special token that stands at `text`, or NULL: each byte narrows the sorted list down
   to those that still agree. */
static const ft__tok_special *ft__tok_special_at(const ft__vocab *v, const char *text,
                                                 const char *end, bool parse) {
    const ft__tok_special *longest = NULL;
    uint32_t lo = v->first[(uint8_t)*text], hi = v->first[(uint8_t)*text + 1];
    for (size_t k = 1; lo < hi; k++) {
        if (v->specials[lo].text.len == k) { /* it ends here, and sorts before those that go on */
            if (parse || v->types[v->specials[lo].id] == FT__TOKEN_USER) longest = v->specials + lo;
            lo++;
        }
        if (text + k == end) break;
        unsigned byte = (uint8_t)text[k];
        lo = ft__tok_bound(v, lo, hi, k, byte);
        hi = ft__tok_bound(v, lo, hi, k, byte + 1);
    }
    return longest;
}

static const char *ft__tok_skip_space(const char *p, const char *end) {
    while (p < end && (*p == ' ' || (*p >= '\t' && *p <= '\r'))) p++;
    return p;
}

/* Leftmost special first, the longest of those that begin there; the rest is for the kind. */
static ft_status ft__tok_cut(const ft__vocab *v, ft__tok_work *w, const char *text, size_t n,
                             bool parse, ft_error *err) {
    const char *p = text, *raw = text, *end = text + n;
    ft_status status;
    while (p < end) {
        const ft__tok_special *special = ft__tok_special_at(v, p, end, parse);
        if (!special) {
            p++;
            continue;
        }
        if (p > raw && (status = v->kind->tokenize(v, w, raw, (size_t)(p - raw), err)))
            return status;
        if (!ft__tok_push(w, special->id)) return ft__fail_memory(err);
        p += special->text.len;
        if (v->flags[special->id] & FT__TOKEN_EATS_SPACE) p = ft__tok_skip_space(p, end);
        raw = p;
    }
    return p > raw ? v->kind->tokenize(v, w, raw, (size_t)(p - raw), err) : FT_OK;
}

static ft_status ft__tok_unsupported(const ft__vocab *v, ft_error *err) {
    if (!v->model[0]) return ft__fail(err, FT_ERR_UNSUPPORTED, "", "this file has no tokenizer");
    return ft__fail(err, FT_ERR_UNSUPPORTED, "", "tokenizer %.100s is not in this version",
                    v->model);
}

static ft_status ft__tok_no_room(const char *what, size_t need, size_t cap, ft_error *err) {
    return ft__fail(err, FT_ERR_LIMIT, "", "%llu %s, but room for %llu", (unsigned long long)need,
                    what, (unsigned long long)cap);
}

FT__PRIV ft_status ft__vocab_tokenize(const ft__vocab *v, const char *text, size_t n,
                                      unsigned flags, int32_t *tokens, size_t cap, size_t *n_out,
                                      ft_error *err) {
    bool whole = !(flags & FT_TOKENIZE_PLAIN);
    ft_status status = FT_OK;
    ft__tok_work w;
    *n_out = 0;
    if (!v->kind) return ft__tok_unsupported(v, err);
    if (n > INT32_MAX)
        return ft__fail(err, FT_ERR_LIMIT, "",
                        "a text of %llu bytes, at most 2147483647 are possible",
                        (unsigned long long)n);
    memset(&w, 0, sizeof w);
    w.allocator = v->arena.allocator;
    if (whole && v->add_bos && v->bos >= 0 && !ft__tok_push(&w, v->bos))
        status = ft__fail_memory(err);
    if (!status && n)
        status = ft__tok_cut(v, &w, text, n, (flags & FT_TOKENIZE_PARSE_SPECIAL) != 0, err);
    if (!status && whole && v->add_eos && v->eos >= 0 && !ft__tok_push(&w, v->eos))
        status = ft__fail_memory(err);
    if (!status) {
        *n_out = w.n_ids;
        if (w.n_ids > cap) status = ft__tok_no_room("tokens", w.n_ids, cap, err);
        else if (w.n_ids) memcpy(tokens, w.ids, w.n_ids * sizeof *tokens);
    }
    ft__free(&w.allocator, w.ids);
    ft__free(&w.allocator, w.text);
    ft__free(&w.allocator, w.symbols);
    ft__free(&w.allocator, w.keys);
    return status;
}

/* ---- ids to text */

FT__PRIV const char *ft__vocab_piece(const ft__vocab *v, int32_t token, size_t *n) {
    *n = 0;
    if (!v->kind || token < 0 || token >= v->n_vocab) return "";
    *n = v->piece_at[token + 1] - v->piece_at[token];
    return v->pieces + v->piece_at[token];
}

FT__PRIV bool ft__vocab_is_end(const ft__vocab *v, int32_t token) {
    return token >= 0 && token < v->n_vocab && (v->flags[token] & FT__TOKEN_IS_END);
}

/* Joins the pieces into `text`, or only counts where that is NULL.  The blank that tokenizing put
   before the text goes: one, of the first token that is text at all. */
static size_t ft__tok_join(const ft__vocab *v, const int32_t *tokens, size_t n_tokens, char *text) {
    bool drop_blank = v->add_space_prefix;
    size_t total = 0, n;
    for (size_t i = 0; i < n_tokens; i++) {
        const char *piece = ft__vocab_piece(v, tokens[i], &n);
        if (n && drop_blank) {
            drop_blank = false;
            if (*piece == ' ' && v->types[tokens[i]] == FT__TOKEN_NORMAL) piece++, n--;
        }
        if (text && n) memcpy(text + total, piece, n);
        total += n;
    }
    return total;
}

FT__PRIV ft_status ft__vocab_detokenize(const ft__vocab *v, const int32_t *tokens, size_t n_tokens,
                                        char *text, size_t cap, size_t *n_out, ft_error *err) {
    *n_out = 0;
    if (!v->kind) return ft__tok_unsupported(v, err);
    for (size_t i = 0; i < n_tokens; i++)
        if (tokens[i] < 0 || tokens[i] >= v->n_vocab)
            return ft__fail(err, FT_ERR_TOKEN, "", "token %llu is %d, the vocabulary has 0 to %d",
                            (unsigned long long)i, (int)tokens[i], (int)v->n_vocab - 1);
    *n_out = ft__tok_join(v, tokens, n_tokens, NULL);
    if (*n_out > cap) return ft__tok_no_room("bytes", *n_out, cap, err);
    if (*n_out) ft__tok_join(v, tokens, n_tokens, text);
    return FT_OK;
}
/* ---- end src/text/tokenizer.c */
/* ---- begin src/model/weights.c */
/* Loading a model: metadata to hyper-parameters, tensors to their places.  Every tensor is looked up by
   name with the shape it must have, and every tensor of the file must have been asked for: a file with
   parts that this code does not know would otherwise compute something subtly else. */
/* ---- begin src/model/model.h */
/* Floor 3, the model half: a file's tensors bound to their places, adapters, and the one forward pass. */
#ifndef FT__MODEL_H
#define FT__MODEL_H


/* ---- weights: model/weights.c */

/* The linear maps of a layer, and the head.  Adapters name their deltas by them. */
typedef enum ft__module {
    FT__Q, FT__K, FT__V, FT__O, FT__GATE, FT__UP, FT__DOWN, FT__LAYER_MODULES,
    FT__HEAD = FT__LAYER_MODULES, FT__MODULES
} ft__module;
FT__PRIV const char *ft__module_name(ft__module m); /* "attn_q" */

typedef struct ft__linear {
    ft__matrix w;
    float *bias; /* (n_rows) or NULL */
} ft__linear;

typedef struct ft__layer {
    float *attn_norm, *ffn_norm;            /* (n_embd) */
    ft__linear module[FT__LAYER_MODULES];   /* gate, up and down are absent in a layer of experts */
    ft__matrix router;                      /* (n_experts, n_embd) */
    ft__matrix expert[3];                   /* gate, up, down: all experts' rows one after the other */
} ft__layer;

struct ft_model {
    ft_allocator allocator;
    ft__gguf file;
    ft__arena arena;          /* norms, biases, tables */
    ft__kernels kernels;
    ft__vocab *vocab;
    ft_model_info info;
    float norm_eps;
    int n_rot;                /* dimensions of a head that turn */
    double *rope_freq;        /* (n_rot / 2) radians per position */
    float rope_scale;         /* of cos and sin */
    ft__matrix embedding;     /* (n_vocab, n_embd) */
    float *output_norm;       /* (n_embd) */
    uint8_t *packed;          /* all packed weights, or NULL */
    ft__linear output;        /* (n_vocab, n_embd); the embedding itself where tied */
    ft__layer *layers;
};

/* The linear map that a module of a layer is (layer is ignored for FT__HEAD). */
FT__PRIV const ft__linear *ft__model_linear(const ft_model *m, int layer, ft__module module);

/* ---- adapter: model/adapter.c */

/* delta = factor * B (A x), F32.  rank 0: no delta. */
typedef struct ft__delta {
    int rank, rank_b, n_out; /* both ranks are equal once the adapter is loaded */
    ft__matrix a;   /* (rank, n_in) */
    const float *b; /* (rank, n_out): transposed, outputs side by side */
} ft__delta;

struct ft_adapter {
    const ft_model *model;
    ft__arena arena;
    float alpha;
    ft__delta *deltas;        /* (n_layers, FT__LAYER_MODULES), then the head's */
    int max_rank;
};
FT__PRIV const ft__delta *ft__adapter_delta(const ft_adapter *a, int layer, ft__module module);

/* ---- forward: model/forward.c */

/* Adapters on the base, in order. */
typedef struct ft__adaptation {
    ft_adapter_use *uses;
    int n_uses;
} ft__adaptation;

/* One token of a batch: what it is, where it stands, whose it is, where its logits go (or NULL). */
typedef struct ft__slot {
    int32_t token;
    int position, variant;
    uint8_t *const *pages;
    float *logits;   /* (n_vocab) */
    float *logits_2; /* a second place */
} ft__slot;

/* Scratch memory for up to max_tokens tokens; shapes as (rows, columns). */
typedef struct ft__scratch {
    int max_tokens, max_rows; /* logits are computed for max_rows tokens at a time */
    float *x, *h;             /* (max_tokens, n_embd) */
    float *q, *att;           /* (max_tokens, n_heads * head_dim) */
    float *k, *v;             /* (max_tokens, n_kv_heads * head_dim) */
    float *gate, *up;         /* (max_tokens, n_ff) */
    float *rope;              /* (max_tokens, n_rot): cos and sin by turns */
    int8_t *q8;               /* (max_tokens, widest input) */
    float *q8_scale;          /* (max_tokens, widest input / 32) */
    float *low;               /* (max_tokens, highest rank): the session's, as variants come */
    uint8_t *tiles;           /* the same as ft__acts has it in tiles */
    float **attention;        /* (n_threads) scratch of ft__attend */
    int *attention_busy;      /* (n_threads) atomic: 1 while a thread uses it */
    int n_threads;
    int *blocks;              /* (max_tokens + 1) first slot of each block that attends together */
    float *logits;            /* (max_rows, n_vocab) */
    int *rows, *variants;     /* (max_tokens) */
    float *expert_x, *expert_y; /* (max_tokens, n_embd) */
    float *expert_weight;     /* (max_tokens, n_experts) */
} ft__scratch;
FT__PRIV bool ft__scratch_init(ft__scratch *s, const ft_model *m, int max_tokens, int n_threads,
                               const ft__attention *attention, ft__arena *arena);

typedef struct ft__forward {
    const ft_model *model;
    ft__pool *pool;
    ft__scratch *scratch;
    const ft__adaptation *variants;
    ft__attention attention;
    const ft__slot *slots;    /* (n_slots), tokens of one variant next to each other */
    int n_slots, n_blocks;
    int overflow;             /* atomic: a key or value did not fit the cache's type */
} ft__forward;

/* Computes the batch: stores keys and values, writes logits.  FT_ERR_NUMERIC if a cache value or a logit
   is not finite. */
FT__PRIV ft_status ft__forward_run(ft__forward *f, ft_error *err);

#endif /* FT__MODEL_H */
/* ---- end src/model/model.h */

typedef struct ft__loader {
    ft_model *m;
    ft_error *err;
    bool *used;       /* (file.n_tensors) */
    char name[128];   /* of the tensor last asked for */
    char where[384];
} ft__loader;

static const char *const ft__weights_architectures[] = {"llama"};

static const char *const ft__weights_modules[FT__MODULES] = {
    "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down", "output"};

FT__PRIV const char *ft__module_name(ft__module m) { return ft__weights_modules[m]; }

FT__PRIV const ft__linear *ft__model_linear(const ft_model *m, int layer, ft__module module) {
    return module == FT__HEAD ? &m->output : &m->layers[layer].module[module];
}

/* "file: key" of an architecture's key. */
static const char *ft__weights_key(ft__loader *l, const char *key) {
    snprintf(l->name, sizeof l->name, "%s.%s", l->m->info.architecture, key);
    return l->name;
}

static ft_status ft__weights_int(ft__loader *l, const char *key, int lowest, int highest, int *value) {
    int64_t wide = *value;
    ft_status status =
        ft__gguf_int(&l->m->file, ft__weights_key(l, key), lowest, highest, &wide, l->err);
    if (!status && (wide < lowest || wide > highest)) /* absent, and there is no default */
        status = ft__fail(l->err, FT_ERR_FORMAT, l->m->file.path, "the key %s is missing", l->name);
    *value = (int)wide;
    return status;
}

static ft_status ft__weights_float(ft__loader *l, const char *key, double *value) {
    ft_status status = ft__gguf_float(&l->m->file, ft__weights_key(l, key), value, l->err);
    if (!status && !ft__finite(*value))
        status = ft__fail(l->err, FT_ERR_FORMAT, l->m->file.path, "%s is not finite", l->name);
    return status;
}

/* Finds a tensor and checks its shape (rows of cols, times depth).  Optional ones may be absent: then
   *out is NULL. */
static ft_status ft__weights_find(ft__loader *l, const char *name, uint64_t cols, uint64_t rows,
                                  uint64_t depth, bool optional, const ft__gguf_tensor **out) {
    const ft__gguf_tensor *t = *out = ft__gguf_find(&l->m->file, name);
    snprintf(l->where, sizeof l->where, "%s: %s", l->m->file.path, name);
    if (!t && optional) return FT_OK;
    if (!t) return ft__fail(l->err, FT_ERR_FORMAT, l->where, "the tensor is missing");
    if (t->ne[0] != cols || t->ne[1] != rows || t->ne[2] != depth || t->ne[3] != 1)
        return ft__fail(l->err, FT_ERR_FORMAT, l->where,
                        "found shape [%llu, %llu, %llu, %llu], expected [%llu, %llu, %llu, 1]",
                        (unsigned long long)t->ne[0], (unsigned long long)t->ne[1],
                        (unsigned long long)t->ne[2], (unsigned long long)t->ne[3],
                        (unsigned long long)cols, (unsigned long long)rows, (unsigned long long)depth);
    l->used[t - l->m->file.tensors] = true;
    return FT_OK;
}

/* A small tensor as floats of our own. */
static ft_status ft__weights_vector(ft__loader *l, const char *name, int n, bool optional, float **out) {
    const ft__gguf_tensor *t;
    ft_status status = ft__weights_find(l, name, (uint64_t)n, 1, 1, optional, &t);
    *out = NULL;
    if (status || !t) return status;
    const ft__format *format = ft__format_find(t->type);
    if (!format->decode)
        return ft__fail(l->err, FT_ERR_UNSUPPORTED, l->where, "type %s is not in this version",
                        format->name);
    *out = (float *)ft__arena_alloc(&l->m->arena, (size_t)n, sizeof **out);
    if (!*out) return ft__fail_memory(l->err);
    format->decode(t->data, (size_t)n, *out);
    return FT_OK;
}

static ft_status ft__weights_matrix(ft__loader *l, const char *name, int cols, int rows, int depth,
                                    bool optional, ft__matrix *w) {
    const ft__gguf_tensor *t;
    ft_status status = ft__weights_find(l, name, (uint64_t)cols, (uint64_t)rows, (uint64_t)depth,
                                        optional, &t);
    if (status || !t) return status;
    const ft__format *format = ft__format_find(t->type);
    if (!format->decode || !l->m->kernels.rows[format->id])
        return ft__fail(l->err, FT_ERR_UNSUPPORTED, l->where, "weights of type %s are not in this version",
                        format->name);
    if (rows > INT_MAX / depth)
        return ft__fail(l->err, FT_ERR_LIMIT, l->where, "more rows than this version can count");
    w->format = format;
    w->data = t->data;
    w->n_rows = rows * depth;
    w->n_cols = cols;
    w->row_bytes = (size_t)cols / format->n_elements * format->n_bytes;
    return FT_OK;
}

static const char *ft__weights_name(ft__loader *l, int layer, const char *module, const char *suffix) {
    if (layer < 0) snprintf(l->name, sizeof l->name, "%s.%s", module, suffix);
    else snprintf(l->name, sizeof l->name, "blk.%d.%s.%s", layer, module, suffix);
    return l->name;
}

static ft_status ft__weights_linear(ft__loader *l, int layer, const char *module, int cols, int rows,
                                    bool optional, ft__linear *out) {
    const char *name = ft__weights_name(l, layer, module, "weight");
    ft_status status = ft__weights_matrix(l, name, cols, rows, 1, optional, &out->w);
    if (status || !out->w.format) return status;
    return ft__weights_vector(l, ft__weights_name(l, layer, module, "bias"), rows, true, &out->bias);
}

/* Rows first .. first + n of a linear map, as one of its own. */
static ft__linear ft__weights_rows(const ft__linear *whole, int first, int n) {
    ft__linear part = *whole;
    part.w.data += (size_t)first * part.w.row_bytes;
    part.w.n_rows = n;
    if (part.bias) part.bias += first;
    return part;
}

/* Some files hold q, k and v as one tensor, rows in this order. */
static ft_status ft__weights_qkv(ft__loader *l, int layer, int n_q, int n_kv) {
    ft__linear *module = l->m->layers[layer].module, all;
    memset(&all, 0, sizeof all);
    ft_status status =
        ft__weights_linear(l, layer, "attn_qkv", l->m->info.n_embd, n_q + 2 * n_kv, true, &all);
    if (status || !all.w.format) return status;
    module[FT__Q] = ft__weights_rows(&all, 0, n_q);
    module[FT__K] = ft__weights_rows(&all, n_q, n_kv);
    module[FT__V] = ft__weights_rows(&all, n_q + n_kv, n_kv);
    return FT_OK;
}

static ft_status ft__weights_experts(ft__loader *l, int layer) {
    static const char *const names[3] = {"ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"};
    const ft_model_info *info = &l->m->info;
    ft__layer *at = &l->m->layers[layer];
    ft_status status = ft__weights_matrix(l, ft__weights_name(l, layer, "ffn_gate_inp", "weight"),
                                          info->n_embd, info->n_experts, 1, false, &at->router);
    for (int i = 0; i < 3 && !status; i++) {
        int cols = i < 2 ? info->n_embd : info->n_ff, rows = i < 2 ? info->n_ff : info->n_embd;
        status = ft__weights_matrix(l, ft__weights_name(l, layer, names[i], "weight"), cols, rows,
                                    info->n_experts, false, &at->expert[i]);
    }
    return status;
}

static ft_status ft__weights_layer(ft__loader *l, int layer) {
    const ft_model_info *info = &l->m->info;
    const int D = info->n_embd, F = info->n_ff;
    const int n_q = info->n_heads * info->head_dim, n_kv = info->n_kv_heads * info->head_dim;
    const int cols[FT__LAYER_MODULES] = {D, D, D, n_q, D, D, F};
    const int rows[FT__LAYER_MODULES] = {n_q, n_kv, n_kv, D, F, F, D};
    ft__layer *at = &l->m->layers[layer];
    ft_status status =
        ft__weights_vector(l, ft__weights_name(l, layer, "attn_norm", "weight"), D, false, &at->attn_norm);
    if (!status)
        status = ft__weights_vector(l, ft__weights_name(l, layer, "ffn_norm", "weight"), D, false,
                                    &at->ffn_norm);
    if (!status) status = ft__weights_qkv(l, layer, n_q, n_kv);
    for (int i = 0; i < FT__LAYER_MODULES && !status; i++) {
        if (at->module[i].w.format || (info->n_experts && i >= FT__GATE)) continue;
        status = ft__weights_linear(l, layer, ft__weights_modules[i], cols[i], rows[i], false,
                                    &at->module[i]);
    }
    if (!status && info->n_experts) status = ft__weights_experts(l, layer);
    return status;
}

/* YaRN (Peng et al. 2023): fast dimensions keep their angle, slow ones are divided by the factor, those
   between are mixed; the two ends are where a wavelength fits 32 times or once into the context. */
static void ft__weights_yarn(ft_model *m, double base, double factor, double original) {
    const double two_pi = 6.283185307179586, n_rot = m->n_rot;
    double ends[2];
    for (int i = 0; i < 2; i++)
        ends[i] = n_rot * ft__log(original / ((i ? 1.0 : 32.0) * two_pi)) / (2 * ft__log(base));
    double lo = ft__floor(ends[0]), hi = -ft__floor(-ends[1]);
    if (lo < 0) lo = 0;
    if (hi > n_rot - 1) hi = n_rot - 1;
    double width = hi - lo < 0.001 ? 0.001 : hi - lo;
    for (int i = 0; i < m->n_rot / 2; i++) {
        double slow = (i - lo) / width;
        slow = slow < 0 ? 0 : slow > 1 ? 1 : slow;
        m->rope_freq[i] *= (1 - slow) + slow / factor;
    }
}

static ft_status ft__weights_rope(ft__loader *l) {
    ft_model *m = l->m;
    double base = 10000, factor = 1, original = m->info.n_ctx, attn_factor = 1;
    float *divide = NULL;
    ft__gguf_str type = {"linear", 6};
    m->n_rot = m->info.head_dim;
    ft_status status = ft__weights_int(l, "rope.dimension_count", 2, m->info.head_dim, &m->n_rot);
    if (!status) status = ft__weights_float(l, "rope.freq_base", &base);
    if (!status) status = ft__weights_float(l, "rope.scaling.factor", &factor);
    if (!status) status = ft__weights_float(l, "rope.scaling.original_context_length", &original);
    if (!status) status = ft__weights_float(l, "rope.scaling.attn_factor", &attn_factor);
    if (!status)
        status = ft__gguf_string(&m->file, ft__weights_key(l, "rope.scaling.type"), &type, l->err);
    if (!status && (base <= 1 || factor <= 0 || original < 1 || m->n_rot % 2))
        status = ft__fail(l->err, FT_ERR_FORMAT, m->file.path, "the rope parameters make no sense");
    if (!status) status = ft__weights_vector(l, "rope_freqs.weight", m->n_rot / 2, true, &divide);
    if (status) return status;
    m->rope_freq = (double *)ft__arena_alloc(&m->arena, (size_t)m->n_rot / 2, sizeof(double));
    if (!m->rope_freq) return ft__fail_memory(l->err);
    for (int i = 0; i < m->n_rot / 2; i++) {
        m->rope_freq[i] = ft__pow(base, -2.0 * i / m->n_rot);
        if (divide) m->rope_freq[i] /= (double)divide[i];
    }
    double scale = attn_factor;
    if (ft__text_equal(type.data, type.len, "yarn", 4)) {
        ft__weights_yarn(m, base, factor, original);
        if (factor > 1) scale *= 1 + 0.1 * ft__log(factor);
    } else if (ft__text_equal(type.data, type.len, "linear", 6)) {
        for (int i = 0; i < m->n_rot / 2; i++) m->rope_freq[i] /= factor;
    } else if (!ft__text_equal(type.data, type.len, "none", 4)) {
        return ft__fail(l->err, FT_ERR_UNSUPPORTED, m->file.path,
                        "llama.rope.scaling.type: found \"%.*s\", expected none, linear or yarn",
                        (int)(type.len > 32 ? 32 : type.len), type.data);
    }
    for (int i = 0; i < m->n_rot / 2; i++) /* angles must stay where sin and cos are computed */
        if (!(m->rope_freq[i] >= 0 && m->rope_freq[i] <= 64))
            return ft__fail(l->err, FT_ERR_FORMAT, m->file.path,
                            "rope frequency %d is not between 0 and 64 radians per position", i);
    m->rope_scale = (float)scale;
    return FT_OK;
}

static ft_status ft__weights_shape(ft__loader *l) {
    ft_model_info *info = &l->m->info;
    int value_length = 0;
    double eps = -1;
    ft_status status = ft__weights_int(l, "block_count", 1, 4096, &info->n_layers);
    if (!status) status = ft__weights_int(l, "context_length", 1, 1 << 28, &info->n_ctx);
    if (!status) status = ft__weights_int(l, "embedding_length", 1, 1 << 20, &info->n_embd);
    if (!status) status = ft__weights_int(l, "feed_forward_length", 1, 1 << 24, &info->n_ff);
    if (!status) status = ft__weights_int(l, "attention.head_count", 1, 4096, &info->n_heads);
    info->n_kv_heads = info->n_heads;
    if (!status)
        status = ft__weights_int(l, "attention.head_count_kv", 1, info->n_heads, &info->n_kv_heads);
    info->head_dim = status ? 0 : info->n_embd / info->n_heads;
    if (!status) status = ft__weights_int(l, "attention.key_length", 2, 512, &info->head_dim);
    value_length = info->head_dim;
    if (!status) status = ft__weights_int(l, "attention.value_length", 2, 512, &value_length);
    if (!status) status = ft__weights_int(l, "expert_count", 0, 1024, &info->n_experts);
    if (!status && info->n_experts)
        status = ft__weights_int(l, "expert_used_count", 1, info->n_experts, &info->n_experts_used);
    if (!status) status = ft__weights_float(l, "attention.layer_norm_rms_epsilon", &eps);
    if (status) return status;
    if (eps < 0 || eps > 1)
        return ft__fail(l->err, FT_ERR_FORMAT, l->m->file.path, "%s: expected a number from 0 to 1", l->name);
    if (info->n_heads % info->n_kv_heads || value_length != info->head_dim)
        return ft__fail(l->err, FT_ERR_FORMAT, l->m->file.path,
                        "%d heads over %d KV heads, key length %d, value length %d: expected a whole "
                        "ratio and equal lengths", info->n_heads, info->n_kv_heads, info->head_dim,
                        value_length);
    l->m->norm_eps = (float)eps;
    return FT_OK;
}

/* The vocabulary's size: the embedding's rows, which the tokens and the key must agree with. */
static ft_status ft__weights_vocab_size(ft__loader *l) {
    ft_model *m = l->m;
    const ft__gguf_tensor *t = ft__gguf_find(&m->file, "token_embd.weight");
    int n = m->info.n_vocab;
    if (t && t->ne[1] <= INT_MAX && !n) n = (int)t->ne[1];
    m->info.n_vocab = n;
    ft_status status = ft__weights_int(l, "vocab_size", 1, INT_MAX, &n);
    if (!status && n != m->info.n_vocab)
        status = ft__fail(l->err, FT_ERR_FORMAT, m->file.path, "%s is %d, but there are %d tokens",
                          l->name, n, m->info.n_vocab);
    return status;
}

static ft_status ft__weights_tensors(ft__loader *l) {
    ft_model *m = l->m;
    const int D = m->info.n_embd, V = m->info.n_vocab;
    ft_status status = ft__weights_matrix(l, "token_embd.weight", D, V, 1, false, &m->embedding);
    if (!status) status = ft__weights_vector(l, "output_norm.weight", D, false, &m->output_norm);
    if (!status) status = ft__weights_linear(l, -1, "output", D, V, true, &m->output);
    if (!status && !m->output.w.format) m->output.w = m->embedding;
    for (int i = 0; i < m->info.n_layers && !status; i++) status = ft__weights_layer(l, i);
    for (size_t i = 0; i < m->file.n_tensors && !status; i++) {
        if (l->used[i]) continue;
        snprintf(l->where, sizeof l->where, "%s: %s", m->file.path, m->file.tensors[i].name);
        status = ft__fail(l->err, FT_ERR_UNSUPPORTED, l->where,
                          "this architecture has no such tensor; the numbers would be wrong without it");
    }
    return status;
}

/* ---- packing */

/* The matrices that kernels want packed, called one after the other. */
typedef void ft__weights_visit(ft_model *m, ft__matrix *w, void *user);

static void ft__weights_each(ft_model *m, ft__weights_visit *visit, void *user) {
    visit(m, &m->output.w, user);
    for (int i = 0; i < m->info.n_layers; i++) {
        for (int k = 0; k < FT__LAYER_MODULES; k++) visit(m, &m->layers[i].module[k].w, user);
        visit(m, &m->layers[i].router, user);
        for (int k = 0; k < 3; k++) visit(m, &m->layers[i].expert[k], user);
    }
}

/* Experts are slices of one matrix and must begin where a group does. */
static size_t ft__weights_packed_bytes(const ft_model *m, const ft__matrix *w) {
    if (!w->format || !m->kernels.packed[w->format->id]) return 0;
    if (m->info.n_experts && w->n_rows / m->info.n_experts % FT__LANES) return 0;
    return ((size_t)w->n_rows + FT__LANES - 1) / FT__LANES * ft__pack_group_bytes(w);
}

static void ft__weights_count(ft_model *m, ft__matrix *w, void *user) {
    *(size_t *)user += (ft__weights_packed_bytes(m, w) + 63) / 64 * 64;
}

typedef struct ft__weights_packer {
    ft__pool *pool;
    uint8_t *next;
} ft__weights_packer;

static void ft__weights_pack_one(ft_model *m, ft__matrix *w, void *user) {
    ft__weights_packer *packer = (ft__weights_packer *)user;
    size_t n = ft__weights_packed_bytes(m, w);
    if (!n) return;
    ft__pack(packer->pool, w, packer->next);
    ft__map_forget(w->data, (size_t)w->n_rows * w->row_bytes);
    w->packed = packer->next;
    packer->next += (n + 63) / 64 * 64;
}

static ft_status ft__weights_pack(ft_model *m, int threads, ft_error *err) {
    ft__weights_packer packer = {NULL, NULL};
    size_t total = 0;
    ft__weights_each(m, ft__weights_count, &total);
    if (!total) return FT_OK;
    packer.pool = ft__pool_create(threads ? threads : ft__cpu_count(), &m->allocator, err);
    if (!packer.pool) return err ? err->code : FT_ERR_THREAD;
    packer.next = m->packed = (uint8_t *)ft__alloc_aligned(&m->allocator, total, 1);
    if (m->packed) {
        ft__want_large_pages(m->packed, total);
        ft__weights_each(m, ft__weights_pack_one, &packer);
    }
    ft__pool_free(packer.pool);
    return m->packed ? FT_OK : ft__fail_memory(err);
}

static ft_status ft__weights_architecture(ft_model *m, ft_error *err) {
    ft__gguf_str text = {"", 0};
    ft_status status = ft__gguf_string(&m->file, "general.architecture", &text, err);
    if (status) return status;
    m->info.architecture = ft__arena_text(&m->arena, text.data, text.len);
    text.len = 0;
    status = ft__gguf_string(&m->file, "general.name", &text, err);
    m->info.name = ft__arena_text(&m->arena, text.data, text.len);
    if (!m->info.architecture || !m->info.name) return ft__fail_memory(err);
    return status;
}

static ft_status ft__weights_known(const ft_model *m, ft_error *err) {
    for (size_t i = 0; i < FT__COUNT(ft__weights_architectures); i++)
        if (strcmp(ft__weights_architectures[i], m->info.architecture) == 0) return FT_OK;
    if (!m->info.architecture[0])
        return ft__fail(err, FT_ERR_FORMAT, m->file.path, "the key general.architecture is missing");
    return ft__fail(err, FT_ERR_UNSUPPORTED, m->file.path,
                    "the architecture \"%.64s\" is not in this version, which has: llama",
                    m->info.architecture);
}

static void ft__weights_vocab_info(ft_model *m) {
    const ft__vocab *v = m->vocab;
    ft_model_info *info = &m->info;
    info->tokenizer = v->model;
    info->can_tokenize = v->kind != NULL;
    info->n_vocab = v->n_vocab;
    info->bos = v->bos;
    info->eos = v->eos;
    info->add_bos = v->add_bos;
    info->add_eos = v->add_eos;
    info->has_chat_template = ft__gguf_key(&m->file, "tokenizer.chat_template") != NULL;
}

static ft_status ft__weights_load(ft_model *m, ft_error *err) {
    ft__loader l;
    memset(&l, 0, sizeof l);
    l.m = m;
    l.err = err;
    ft_status status = ft__weights_known(m, err);
    if (!status) status = ft__kernels_choose(&m->kernels, err);
    if (!status) status = ft__check_float_mode(err);
    if (!status) status = ft__weights_shape(&l);
    if (!status) status = ft__weights_vocab_size(&l);
    if (status) return status;
    m->layers = (ft__layer *)ft__arena_alloc(&m->arena, (size_t)m->info.n_layers, sizeof *m->layers);
    l.used = (bool *)ft__alloc_zero(&m->allocator, m->file.n_tensors + 1, sizeof *l.used);
    if (!m->layers || !l.used) status = ft__fail_memory(err);
    if (!status) status = ft__weights_rope(&l);
    if (!status) status = ft__weights_tensors(&l);
    ft__free(&m->allocator, l.used);
    return status;
}

ft_model *ft_model_load(const char *path, const ft_model_desc *desc, ft_error *err) {
    ft_allocator a = ft__allocator(desc ? &desc->allocator : NULL);
    ft_model *m = (ft_model *)ft__alloc_zero(&a, 1, sizeof *m);
    if (!m) {
        ft__fail_memory(err);
        return NULL;
    }
    m->allocator = a;
    ft__arena_init(&m->arena, &a);
    if (ft__gguf_open(&m->file, path, &a, err)) {
        ft__free(&a, m);
        return NULL;
    }
    ft_status status = ft__weights_architecture(m, err);
    if (!status) status = ft__vocab_load(&m->vocab, &m->file, &a, err);
    if (!status) ft__weights_vocab_info(m);
    for (size_t i = 0; i < m->file.n_tensors; i++) {
        const uint64_t *ne = m->file.tensors[i].ne;
        m->info.n_params += ne[0] * ne[1] * ne[2] * ne[3];
    }
    if (!status && !(desc && desc->vocab_only)) status = ft__weights_load(m, err);
    if (!status && m->layers && !(desc && desc->no_pack))
        status = ft__weights_pack(m, desc ? desc->threads : 0, err);
    if (!status) return m;
    ft_model_free(m);
    return NULL;
}

void ft_model_free(ft_model *m) {
    if (!m) return;
    ft_allocator a = m->allocator;
    ft__vocab_free(m->vocab);
    ft__free_aligned(&a, m->packed);
    ft__arena_free(&m->arena);
    ft__gguf_close(&m->file);
    ft__free(&a, m);
}

ft_model_info ft_model_get_info(const ft_model *model) { return model->info; }

ft_status ft_tokenize(const ft_model *model, const char *text, size_t n_bytes, unsigned flags,
                      int32_t *tokens, size_t cap, size_t *n, ft_error *err) {
    return ft__vocab_tokenize(model->vocab, text, n_bytes, flags, tokens, cap, n, err);
}

ft_status ft_detokenize(const ft_model *model, const int32_t *tokens, size_t n_tokens, char *text,
                        size_t cap, size_t *n, ft_error *err) {
    return ft__vocab_detokenize(model->vocab, tokens, n_tokens, text, cap, n, err);
}
/* ---- end src/model/weights.c */
/* ---- begin src/model/adapter.c */
/* LoRA adapters (Hu et al. 2021) from GGUF: for a weight W the file holds NAME.lora_a (rank, in) and
   NAME.lora_b (out, rank); the product is W x + scale * (alpha / rank) * B (A x).  Each tensor must find
   its weight: an adapter that touches nothing would be scored as if it were the base. */

FT__PRIV const ft__delta *ft__adapter_delta(const ft_adapter *a, int layer, ft__module module) {
    int at = module == FT__HEAD ? a->model->info.n_layers : layer;
    return &a->deltas[(size_t)at * FT__LAYER_MODULES + (module == FT__HEAD ? 0 : (size_t)module)];
}

/* "blk.3.attn_q.weight.lora_a" -> layer 3, module, which factor.  False if there is no such place. */
static bool ft__adapter_place(const ft_model *m, const char *name, int *layer, ft__module *module,
                              bool *is_b) {
    char expected[64];
    *layer = 0;
    const char *rest = name;
    if (strncmp(name, "blk.", 4) == 0) {
        for (rest = name + 4; *rest >= '0' && *rest <= '9' && *layer < 100000; rest++)
            *layer = *layer * 10 + (*rest - '0');
        if (rest == name + 4 || *rest++ != '.' || *layer >= m->info.n_layers) return false;
    }
    for (int i = 0; i < FT__MODULES; i++) {
        if ((i == FT__HEAD) != (rest == name)) continue;
        for (int b = 0; b < 2; b++) {
            *module = (ft__module)i;
            *is_b = b == 1;
            snprintf(expected, sizeof expected, "%s.weight.lora_%c", ft__module_name(*module), "ab"[b]);
            if (strcmp(rest, expected) == 0) return ft__model_linear(m, *layer, *module)->w.format != NULL;
        }
    }
    return false;
}

/* The factor as floats; B (out, rank) is turned so that outputs lie side by side. */
static ft_status ft__adapter_factor(ft_adapter *a, const ft__gguf_tensor *t, ft__delta *delta, bool is_b,
                                    const char *where, ft_error *err) {
    const ft__format *format = ft__format_find(t->type);
    const size_t n_in = (size_t)t->ne[0], n_out = (size_t)t->ne[1];
    size_t n;
    if (!format->decode)
        return ft__fail(err, FT_ERR_UNSUPPORTED, where, "type %s is not in this version", format->name);
    if (!ft__mul_size(n_in, n_out, &n)) return ft__fail_memory(err);
    float *values = (float *)ft__arena_alloc(&a->arena, n, sizeof *values);
    float *turned = is_b ? (float *)ft__arena_alloc(&a->arena, n, sizeof *values) : values;
    if (!values || !turned) return ft__fail_memory(err);
    format->decode(t->data, n, values);
    for (size_t i = 0; i < n; i++)
        if (!ft__finite((double)values[i]))
            return ft__fail(err, FT_ERR_FORMAT, where, "a factor holds an infinity or a NaN");
    for (size_t r = 0; is_b && r < n_out; r++)
        for (size_t k = 0; k < n_in; k++) turned[k * n_out + r] = values[r * n_in + k];
    if (is_b) {
        delta->b = turned;
        delta->n_out = (int)n_out;
        delta->rank_b = (int)n_in;
        return FT_OK;
    }
    delta->a.format = ft__format_find(FT__FORMAT_F32);
    delta->a.data = (const uint8_t *)values;
    delta->a.n_rows = delta->rank = (int)n_out;
    delta->a.n_cols = (int)n_in;
    delta->a.row_bytes = n_in * sizeof *values;
    return FT_OK;
}

static ft_status ft__adapter_tensor(ft_adapter *a, const ft__gguf_tensor *t, const char *path,
                                    ft_error *err) {
    char where[384];
    int layer;
    ft__module module;
    bool is_b;
    snprintf(where, sizeof where, "%s: %s", path, t->name);
    if (!ft__adapter_place(a->model, t->name, &layer, &module, &is_b))
        return ft__fail(err, FT_ERR_MISMATCH, where, "the model has no weight for this tensor");
    const ft__matrix *w = &ft__model_linear(a->model, layer, module)->w;
    uint64_t wide = (uint64_t)(is_b ? w->n_rows : w->n_cols);
    if (t->ne[is_b ? 1 : 0] != wide || t->ne[2] != 1 || t->ne[3] != 1 || t->ne[is_b ? 0 : 1] > 65536)
        return ft__fail(err, FT_ERR_MISMATCH, where,
                        "found shape [%llu, %llu], expected %s of the model's weight [%d, %d]",
                        (unsigned long long)t->ne[0], (unsigned long long)t->ne[1],
                        is_b ? "[rank, outputs]" : "[inputs, rank]", w->n_cols, w->n_rows);
    ft__delta *delta = (ft__delta *)(uintptr_t)ft__adapter_delta(a, layer, module);
    return ft__adapter_factor(a, t, delta, is_b, where, err);
}

/* Both factors or none, of one rank. */
static ft_status ft__adapter_ranks(ft_adapter *a, const char *path, ft_error *err) {
    int n = a->model->info.n_layers * FT__LAYER_MODULES + 1;
    for (int i = 0; i < n; i++) {
        ft__delta *d = &a->deltas[i];
        ft__module module = i == n - 1 ? FT__HEAD : (ft__module)(i % FT__LAYER_MODULES);
        if (!d->rank && !d->rank_b) continue;
        if (d->rank != d->rank_b)
            return ft__fail(err, FT_ERR_FORMAT, path, "blk.%d.%s: lora_a has rank %d, lora_b %d",
                            i / FT__LAYER_MODULES, ft__module_name(module), d->rank, d->rank_b);
        if (d->rank > a->max_rank) a->max_rank = d->rank;
    }
    if (!a->max_rank) return ft__fail(err, FT_ERR_MISMATCH, path, "the adapter holds no tensors");
    return FT_OK;
}

/* What the file says about itself has to fit before any tensor is looked at. */
static ft_status ft__adapter_check(ft_adapter *a, const ft__gguf *g, ft_error *err) {
    static const char *const keys[3] = {"general.type", "adapter.type", "general.architecture"};
    const char *const expected[3] = {"adapter", "lora", a->model->info.architecture};
    double alpha = 0;
    for (int i = 0; i < 3; i++) {
        ft__gguf_str found = {"", 0};
        ft_status status = ft__gguf_string(g, keys[i], &found, err);
        if (status) return status;
        if (!ft__text_equal(found.data, found.len, expected[i], strlen(expected[i])))
            return ft__fail(err, i == 2 ? FT_ERR_MISMATCH : FT_ERR_FORMAT, g->path,
                            "%s: found \"%.*s\", expected \"%s\"", keys[i],
                            (int)(found.len > 64 ? 64 : found.len), found.data, expected[i]);
    }
    ft_status status = ft__gguf_float(g, "adapter.lora.alpha", &alpha, err);
    if (!status && !ft__finite(alpha))
        status = ft__fail(err, FT_ERR_FORMAT, g->path, "adapter.lora.alpha is not finite");
    a->alpha = (float)alpha;
    return status;
}

static ft_status ft__adapter_read(ft_adapter *a, const char *path, ft_error *err) {
    ft__gguf g;
    ft_status status = ft__gguf_open(&g, path, &a->model->allocator, err);
    if (status) return status;
    size_t n = (size_t)a->model->info.n_layers * FT__LAYER_MODULES + 1;
    a->deltas = (ft__delta *)ft__arena_alloc(&a->arena, n, sizeof *a->deltas);
    status = a->deltas ? ft__adapter_check(a, &g, err) : ft__fail_memory(err);
    for (size_t i = 0; i < g.n_tensors && !status; i++)
        status = ft__adapter_tensor(a, &g.tensors[i], path, err);
    if (!status) status = ft__adapter_ranks(a, path, err);
    ft__gguf_close(&g);
    return status;
}

ft_adapter *ft_adapter_load(const ft_model *model, const char *path, ft_error *err) {
    if (!model->layers) {
        ft__fail(err, FT_ERR_ARGUMENT, path, "the model was loaded without its weights");
        return NULL;
    }
    ft_adapter *a = (ft_adapter *)ft__alloc_zero(&model->allocator, 1, sizeof *a);
    if (!a) {
        ft__fail_memory(err);
        return NULL;
    }
    a->model = model;
    ft__arena_init(&a->arena, &model->allocator);
    if (ft__adapter_read(a, path, err) == FT_OK) return a;
    ft_adapter_free(a);
    return NULL;
}

void ft_adapter_free(ft_adapter *a) {
    if (!a) return;
    ft_allocator allocator = a->model->allocator;
    ft__arena_free(&a->arena);
    ft__free(&allocator, a);
}
/* ---- end src/model/adapter.c */
/* ---- begin src/model/forward.c */
/* The forward pass of a batch: tokens of any sequences, at any positions, under any variants, together.
   Whatever is computed for a token depends on that token's sequence alone, so a batch changes speed and
   never a bit.  Tokens of one variant lie next to each other, so that its low-rank deltas take one
   contiguous piece of the batch. */

enum { FT__FORWARD_SMALL = 1 << 14 }; /* operations below which waking threads costs more */

FT__PRIV bool ft__scratch_init(ft__scratch *s, const ft_model *m, int max_tokens, int n_threads,
                               const ft__attention *attention, ft__arena *arena) {
    const ft_model_info *i = &m->info;
    const size_t T = (size_t)max_tokens, D = (size_t)i->n_embd, F = (size_t)i->n_ff, V = (size_t)i->n_vocab;
    const size_t n_q = (size_t)i->n_heads * (size_t)i->head_dim;
    const size_t n_kv = (size_t)i->n_kv_heads * (size_t)i->head_dim;
    const size_t n_in = D > F ? D : F, widest = n_in > n_q ? n_in : n_q, blocks = widest / FT__BLOCK + 1;
    s->max_tokens = max_tokens;
    s->max_rows = max_tokens < 32 ? max_tokens : 32;
    s->n_threads = n_threads;
    s->x = (float *)ft__arena_alloc(arena, T * D, sizeof(float));
    s->h = (float *)ft__arena_alloc(arena, T * D, sizeof(float));
    s->q = (float *)ft__arena_alloc(arena, T * n_q, sizeof(float));
    s->att = (float *)ft__arena_alloc(arena, T * n_q, sizeof(float));
    s->k = (float *)ft__arena_alloc(arena, T * n_kv, sizeof(float));
    s->v = (float *)ft__arena_alloc(arena, T * n_kv, sizeof(float));
    s->gate = (float *)ft__arena_alloc(arena, T * F, sizeof(float));
    s->up = (float *)ft__arena_alloc(arena, T * F, sizeof(float));
    s->rope = (float *)ft__arena_alloc(arena, T * (size_t)m->n_rot, sizeof(float));
    s->q8 = (int8_t *)ft__arena_alloc(arena, T * widest, 1);
    s->q8_scale = (float *)ft__arena_alloc(arena, T * blocks, sizeof(float));
    s->tiles = (uint8_t *)ft__arena_alloc(arena, T * blocks, FT__TILE_TOKEN_BYTES);
    s->logits = (float *)ft__arena_alloc(arena, (size_t)s->max_rows * V, sizeof(float));
    s->rows = (int *)ft__arena_alloc(arena, T, sizeof(int));
    s->variants = (int *)ft__arena_alloc(arena, T, sizeof(int));
    s->blocks = (int *)ft__arena_alloc(arena, T + 1, sizeof(int));
    s->attention = (float **)ft__arena_alloc(arena, (size_t)n_threads, sizeof(float *));
    s->attention_busy = (int *)ft__arena_alloc(arena, (size_t)n_threads, sizeof(int));
    for (int k = 0; k < n_threads && s->attention; k++)
        s->attention[k] = (float *)ft__arena_alloc(arena, ft__attention_scratch(attention), sizeof(float));
    if (i->n_experts) {
        s->expert_x = (float *)ft__arena_alloc(arena, T * D, sizeof(float));
        s->expert_y = (float *)ft__arena_alloc(arena, T * D, sizeof(float));
        s->expert_weight = (float *)ft__arena_alloc(arena, T * (size_t)i->n_experts, sizeof(float));
    }
    return !arena->failed;
}

/* Runs fn for parts 0..n-1, over the threads if it is worth it. */
static void ft__forward_share(ft__forward *f, void (*fn)(void *user, int part), void *user, int n,
                              size_t operations) {
    if (operations >= FT__FORWARD_SMALL) ft__pool_run(f->pool, fn, user, n);
    else for (int i = 0; i < n; i++) fn(user, i);
}

/* ---- inputs of matrices: what is pending is done row by row where the row is at hand, while it is in the
   first cache: residual added, normed or gated, then int8 where the weights want that */

enum { FT__WANT_ROWS = 1, FT__WANT_TILES = 2 }; /* forms of int8 activations */

typedef struct ft__forward_input {
    const ft__forward *f;
    float *x;            /* (n, n_cols) */
    const float *add;    /* (n, n_cols) to be added to x first, or NULL */
    const float *weight; /* then x is normed with this into `normed`, or NULL */
    const float *up;     /* or x becomes silu(x) * up, or NULL */
    float *normed;
    int n, n_cols;
    unsigned want;
} ft__forward_input;

static unsigned ft__forward_want(const ft__matrix *w) {
    return w->format->n_elements == 1 ? 0 : w->packed ? FT__WANT_TILES : FT__WANT_ROWS;
}

static void ft__forward_input_row(const ft__forward_input *in, int t) {
    const ft_model *m = in->f->model;
    const size_t at = (size_t)t * (size_t)in->n_cols;
    float *x = in->x + at;
    if (in->add) m->kernels.add(x, in->add + at, in->n_cols);
    if (in->up) m->kernels.silu_mul(x, in->up + at, in->n_cols);
    if (in->weight) {
        ft__rms_norm(&m->kernels, x, in->weight, m->norm_eps, in->n_cols, in->normed + at);
        x = in->normed + at;
    }
    if (in->want)
        m->kernels.quantize(x, in->n_cols, in->f->scratch->q8 + at,
                            in->f->scratch->q8_scale + (size_t)t * (size_t)(in->n_cols / FT__BLOCK));
}

static void ft__forward_input_part(void *user, int part) {
    const ft__forward_input *in = (const ft__forward_input *)user;
    const ft__scratch *s = in->f->scratch;
    const int first = part * FT__TILE_TOKENS;
    const int n = in->n - first < FT__TILE_TOKENS ? in->n - first : (int)FT__TILE_TOKENS;
    for (int t = first; t < first + n; t++) ft__forward_input_row(in, t);
    if (!(in->want & FT__WANT_TILES)) return;
    const size_t n_blocks = (size_t)in->n_cols / FT__BLOCK, at = (size_t)first * n_blocks;
    in->f->model->kernels.tile(s->q8 + at * FT__BLOCK, s->q8_scale + at, in->n_cols, n,
                               s->tiles + at * FT__TILE_TOKEN_BYTES);
}

/* The int8 form has one buffer and is good until the next call. */
static ft__acts ft__forward_acts(ft__forward *f, ft__forward_input in) {
    ft__acts a = {in.n, in.n_cols, in.weight ? in.normed : in.x, NULL, NULL, NULL};
    size_t operations = (size_t)in.n * (size_t)in.n_cols * 4;
    in.f = f;
    if (in.add || in.weight || in.up || in.want)
        ft__forward_share(f, ft__forward_input_part, &in, (in.n + FT__TILE_TOKENS - 1) / FT__TILE_TOKENS,
                          operations);
    if (in.want) a.q = f->scratch->q8, a.scale = f->scratch->q8_scale, a.tiles = f->scratch->tiles;
    return a;
}

/* ---- linear maps with their deltas */

/* out += scale * (alpha / rank) * B (A x) for tokens of one variant; where alpha is 0 the scale alone. */
static void ft__forward_delta(ft__forward *f, const ft_adapter_use *use, const ft__delta *d,
                              const float *x, int n_tokens, float *out) {
    const ft__kernels *k = &f->model->kernels;
    const float alpha = use->adapter->alpha;
    const float factor = alpha != 0 ? use->scale * (alpha / (float)d->rank) : use->scale;
    ft__acts a = {n_tokens, d->a.n_cols, x, NULL, NULL, NULL};
    ft__matmul(f->pool, k, &d->a, NULL, &a, f->scratch->low, (size_t)d->rank);
    ft__low_rank(f->pool, k, d->b, d->rank, d->n_out, f->scratch->low, n_tokens, factor, out);
}

/* out (n_tokens, outputs) = the map's product with the activations, each token under its variant. */
static void ft__forward_linear(ft__forward *f, int layer, ft__module module, const ft__acts *a,
                               const int *variants, float *out) {
    const ft__linear *l = ft__model_linear(f->model, layer, module);
    ft__matmul(f->pool, &f->model->kernels, &l->w, l->bias, a, out, (size_t)l->w.n_rows);
    for (int t = 0, end; t < a->n_tokens; t = end) {
        const ft__adaptation *v = &f->variants[variants[t]];
        for (end = t + 1; end < a->n_tokens && variants[end] == variants[t];) end++;
        for (int i = 0; i < v->n_uses; i++) {
            const ft__delta *d = ft__adapter_delta(v->uses[i].adapter, layer, module);
            if (!d->rank || v->uses[i].scale == 0) continue;
            ft__forward_delta(f, &v->uses[i], d, a->x + (size_t)t * (size_t)a->n_cols, end - t,
                              out + (size_t)t * (size_t)l->w.n_rows);
        }
    }
}

/* ---- attention */

/* cos and sin of every token's angles, computed in double once for all layers. */
static void ft__forward_rope_table(void *user, int t) {
    const ft__forward *f = (const ft__forward *)user;
    const ft_model *m = f->model;
    float *cs = f->scratch->rope + (size_t)t * (size_t)m->n_rot;
    for (int i = 0; i < m->n_rot / 2; i++) {
        double s, c;
        ft__sincos(f->slots[t].position * m->rope_freq[i], &s, &c);
        cs[2 * i] = (float)c * m->rope_scale;
        cs[2 * i + 1] = (float)s * m->rope_scale;
    }
}

/* Turns the first n_rot dimensions of every head of one token. */
static void ft__forward_rope(const ft_model *m, float *x, int n_heads, const float *cs) {
    for (int h = 0; h < n_heads; h++, x += m->info.head_dim) m->kernels.rope(x, cs, m->n_rot);
}

static void ft__forward_store_part(void *user, int t) {
    ft__forward *f = (ft__forward *)user;
    const ft_model_info *i = &f->model->info;
    const size_t n_q = (size_t)i->n_heads * (size_t)i->head_dim;
    const size_t n_kv = (size_t)i->n_kv_heads * (size_t)i->head_dim;
    const float *cs = f->scratch->rope + (size_t)t * (size_t)f->model->n_rot;
    float *k = f->scratch->k + (size_t)t * n_kv;
    ft__forward_rope(f->model, f->scratch->q + (size_t)t * n_q, i->n_heads, cs);
    ft__forward_rope(f->model, k, i->n_kv_heads, cs);
    if (!ft__attention_store(&f->attention, f->slots[t].pages, f->slots[t].position, k,
                             f->scratch->v + (size_t)t * n_kv))
        __atomic_store_n(&f->overflow, 1, __ATOMIC_RELAXED);
}

/* Neighbouring slots that continue one sequence attend together, a few at a time. */
static void ft__forward_find_blocks(ft__forward *f) {
    int *blocks = f->scratch->blocks;
    f->n_blocks = 0;
    for (int t = 0; t < f->n_slots; t++) {
        const ft__slot *s = &f->slots[t];
        bool goes_on = t > 0 && s[-1].pages == s->pages && s[-1].position + 1 == s->position &&
                       t - blocks[f->n_blocks - 1] < FT__ATTENTION_TOKENS;
        if (!goes_on) blocks[f->n_blocks++] = t;
    }
    blocks[f->n_blocks] = f->n_slots;
}

static void ft__forward_attend_part(void *user, int part) {
    ft__forward *f = (ft__forward *)user;
    ft__scratch *s = f->scratch;
    const ft_model_info *i = &f->model->info;
    const int block = f->n_blocks - 1 - part / i->n_kv_heads, kv_head = part % i->n_kv_heads; /* longest first */
    const int first = s->blocks[block], n = s->blocks[block + 1] - first;
    const size_t at = (size_t)first * (size_t)i->n_heads * (size_t)i->head_dim;
    int mine = 0; /* there are as many as threads, so one is free */
    while (__atomic_exchange_n(&s->attention_busy[mine], 1, __ATOMIC_ACQUIRE)) mine = (mine + 1) % s->n_threads;
    ft__attend(&f->model->kernels, &f->attention, f->slots[first].pages, f->slots[first].position, n, kv_head,
               s->q + at, s->att + at, s->attention[mine]);
    __atomic_store_n(&s->attention_busy[mine], 0, __ATOMIC_RELEASE);
}

/* `add` is what the layer before left to be added to x. */
static void ft__forward_attention(ft__forward *f, int layer, const float *add) {
    ft__scratch *s = f->scratch;
    const ft_model_info *i = &f->model->info;
    const ft__layer *at = &f->model->layers[layer];
    const int n = f->n_slots, n_q = i->n_heads * i->head_dim;
    unsigned want = 0;
    for (int m = FT__Q; m <= FT__V; m++) want |= ft__forward_want(&at->module[m].w);
    ft__forward_input in = {f, s->x, add, at->attn_norm, NULL, s->h, n, i->n_embd, want};
    ft__acts a = ft__forward_acts(f, in);
    ft__forward_linear(f, layer, FT__Q, &a, s->variants, s->q);
    ft__forward_linear(f, layer, FT__K, &a, s->variants, s->k);
    ft__forward_linear(f, layer, FT__V, &a, s->variants, s->v);
    f->attention.page_offset =
        (size_t)layer * (size_t)i->n_kv_heads * ft__attention_head_bytes(&f->attention);
    ft__forward_share(f, ft__forward_store_part, f, n, (size_t)n * (size_t)n_q * 4);
    size_t keys = 0;
    for (int t = 0; t < n; t++) keys += (size_t)f->slots[t].position + 1;
    ft__forward_share(f, ft__forward_attend_part, f, f->n_blocks * i->n_kv_heads, keys * (size_t)n_q);
    want = ft__forward_want(&at->module[FT__O].w);
    ft__forward_input out = {f, s->att, NULL, NULL, NULL, NULL, n, n_q, want};
    a = ft__forward_acts(f, out);
    ft__forward_linear(f, layer, FT__O, &a, s->variants, s->h);
}

/* ---- the gated unit, dense or over experts */

static void ft__forward_dense(ft__forward *f, int layer) {
    ft__scratch *s = f->scratch;
    const ft_model_info *i = &f->model->info;
    const ft__layer *at = &f->model->layers[layer];
    unsigned want = ft__forward_want(&at->module[FT__GATE].w) | ft__forward_want(&at->module[FT__UP].w);
    ft__forward_input in = {f, s->x, s->h, at->ffn_norm, NULL, s->h, f->n_slots, i->n_embd, want};
    ft__acts a = ft__forward_acts(f, in);
    ft__forward_linear(f, layer, FT__GATE, &a, s->variants, s->gate);
    ft__forward_linear(f, layer, FT__UP, &a, s->variants, s->up);
    want = ft__forward_want(&at->module[FT__DOWN].w);
    ft__forward_input down = {f, s->gate, NULL, NULL, s->up, NULL, f->n_slots, i->n_ff, want};
    a = ft__forward_acts(f, down);
    ft__forward_linear(f, layer, FT__DOWN, &a, s->variants, s->h);
}

/* Router logits of one token, in place, to weights: softmax over all experts, the k best kept and normed,
   0 elsewhere.  Ties go to the lower expert; sums run over experts ascending.  If one is not finite all
   become NaN, which shows in the logits and is reported there. */
static void ft__forward_route(float *p, int n, int n_used) {
    float max = p[0], sum = 0, chosen = 0;
    bool finite = true;
    for (int e = 0; e < n; e++) {
        finite = finite && ft__finite((double)p[e]);
        max = p[e] > max ? p[e] : max;
    }
    if (!finite) {
        for (int e = 0; e < n; e++) p[e] = ft__float_of(0x7FC00000u);
        return;
    }
    for (int e = 0; e < n; e++) {
        p[e] = ft__expf(p[e] - max);
        sum = sum + p[e];
    }
    float share = ft__recipf(sum);
    for (int e = 0; e < n; e++) p[e] = p[e] * share;
    for (int k = 0; k < n_used; k++) { /* the chosen are marked by their sign */
        int best = -1;
        for (int e = 0; e < n; e++)
            if (!(ft__bits_of(p[e]) >> 31) && (best < 0 || p[e] > p[best])) best = e;
        p[best] = ft__float_of(ft__bits_of(p[best]) | 0x80000000u);
    }
    for (int e = 0; e < n; e++)
        if (ft__bits_of(p[e]) >> 31) chosen = chosen - p[e];
    float norm = ft__recipf(chosen > 6.103515625e-5f ? chosen : 6.103515625e-5f);
    for (int e = 0; e < n; e++) p[e] = ft__bits_of(p[e]) >> 31 ? (0.0f - p[e]) * norm : 0.0f;
}

/* One expert on the tokens that chose it: gathered, computed, added with their weights. */
static void ft__forward_expert(ft__forward *f, int layer, int expert) {
    ft__scratch *s = f->scratch;
    const ft_model_info *i = &f->model->info;
    const ft__layer *at = &f->model->layers[layer];
    const int D = i->n_embd, F = i->n_ff;
    int n = 0;
    for (int t = 0; t < f->n_slots; t++) {
        if (s->expert_weight[t * i->n_experts + expert] == 0) continue;
        memcpy(s->expert_x + (size_t)n * (size_t)D, s->h + (size_t)t * (size_t)D, (size_t)D * sizeof(float));
        s->rows[n++] = t;
    }
    if (!n) return;
    ft__matrix w[3];
    for (int k = 0; k < 3; k++) {
        w[k] = at->expert[k];
        w[k].n_rows = k < 2 ? F : D;
        const size_t first = (size_t)expert * (size_t)w[k].n_rows;
        w[k].data += first * w[k].row_bytes;
        if (w[k].packed) w[k].packed += first / FT__LANES * ft__pack_group_bytes(&w[k]);
    }
    unsigned want = ft__forward_want(&w[0]) | ft__forward_want(&w[1]);
    ft__forward_input in = {f, s->expert_x, NULL, NULL, NULL, NULL, n, D, want};
    ft__acts a = ft__forward_acts(f, in);
    ft__matmul(f->pool, &f->model->kernels, &w[0], NULL, &a, s->gate, (size_t)F);
    ft__matmul(f->pool, &f->model->kernels, &w[1], NULL, &a, s->up, (size_t)F);
    ft__forward_input down = {f, s->gate, NULL, NULL, s->up, NULL, n, F, ft__forward_want(&w[2])};
    a = ft__forward_acts(f, down);
    ft__matmul(f->pool, &f->model->kernels, &w[2], NULL, &a, s->expert_x, (size_t)D);
    for (int r = 0; r < n; r++) {
        float weight = s->expert_weight[s->rows[r] * i->n_experts + expert];
        float *y = s->expert_y + (size_t)s->rows[r] * (size_t)D, *from = s->expert_x + (size_t)r * (size_t)D;
        for (int d = 0; d < D; d++) y[d] = y[d] + weight * from[d];
    }
}

/* Experts in ascending order, so that a token's sum has one order whoever shares the batch. */
static void ft__forward_experts(ft__forward *f, int layer) {
    ft__scratch *s = f->scratch;
    const ft_model_info *i = &f->model->info;
    const ft__layer *at = &f->model->layers[layer];
    const size_t n_x = (size_t)f->n_slots * (size_t)i->n_embd;
    ft__forward_input in = {f, s->x, s->h, at->ffn_norm, NULL, s->h, f->n_slots, i->n_embd,
                            ft__forward_want(&at->router)};
    ft__acts a = ft__forward_acts(f, in);
    ft__matmul(f->pool, &f->model->kernels, &at->router, NULL, &a, s->expert_weight, (size_t)i->n_experts);
    for (int t = 0; t < f->n_slots; t++)
        ft__forward_route(s->expert_weight + (size_t)t * (size_t)i->n_experts, i->n_experts, i->n_experts_used);
    memset(s->expert_y, 0, n_x * sizeof(float));
    for (int e = 0; e < i->n_experts; e++) ft__forward_expert(f, layer, e);
    memcpy(s->h, s->expert_y, n_x * sizeof(float));
}

/* ---- the head */

static ft_status ft__forward_row_out(ft__forward *f, const ft__slot *slot, const float *logits,
                                     ft_error *err) {
    const size_t n = (size_t)f->model->info.n_vocab;
    for (size_t i = 0; i < n; i++)
        if (!ft__finite((double)logits[i]))
            return ft__fail(err, FT_ERR_NUMERIC, f->model->file.path,
                            "the logit of token %d after position %d is not finite", (int)i, slot->position);
    if (slot->logits) memcpy(slot->logits, logits, n * sizeof *logits);
    if (slot->logits_2) memcpy(slot->logits_2, logits, n * sizeof *logits);
    return FT_OK;
}

/* Logits of the tokens that asked for them, some rows at a time. */
static ft_status ft__forward_head(ft__forward *f, ft_error *err) {
    ft__scratch *s = f->scratch;
    const ft_model *m = f->model;
    const size_t D = (size_t)m->info.n_embd;
    ft_status status = FT_OK;
    for (int t = 0; t < f->n_slots && !status;) {
        int n = 0;
        for (; t < f->n_slots && n < s->max_rows; t++) {
            if (!f->slots[t].logits && !f->slots[t].logits_2) continue;
            memmove(s->x + (size_t)n * D, s->x + (size_t)t * D, D * sizeof(float)); /* n <= t */
            memmove(s->h + (size_t)n * D, s->h + (size_t)t * D, D * sizeof(float));
            s->variants[n] = f->slots[t].variant;
            s->rows[n++] = t;
        }
        if (!n) break;
        ft__forward_input in = {f, s->x, s->h, m->output_norm, NULL, s->h, n, m->info.n_embd,
                                ft__forward_want(&m->output.w)};
        ft__acts a = ft__forward_acts(f, in);
        ft__forward_linear(f, 0, FT__HEAD, &a, s->variants, s->logits);
        for (int r = 0; r < n && !status; r++)
            status = ft__forward_row_out(f, &f->slots[s->rows[r]],
                                         s->logits + (size_t)r * (size_t)m->info.n_vocab, err);
    }
    return status;
}

FT__PRIV ft_status ft__forward_run(ft__forward *f, ft_error *err) {
    ft__scratch *s = f->scratch;
    const ft_model *m = f->model;
    for (int t = 0; t < f->n_slots; t++) {
        const uint8_t *row = m->embedding.data + (size_t)f->slots[t].token * m->embedding.row_bytes;
        m->embedding.format->decode(row, (size_t)m->info.n_embd, s->x + (size_t)t * (size_t)m->info.n_embd);
        s->variants[t] = f->slots[t].variant;
    }
    ft__forward_find_blocks(f);
    ft__forward_share(f, ft__forward_rope_table, f, f->n_slots, (size_t)f->n_slots * (size_t)m->n_rot * 50);
    for (int layer = 0; layer < m->info.n_layers; layer++) {
        ft__forward_attention(f, layer, layer ? s->h : NULL); /* each half leaves its result in h */
        if (m->info.n_experts) ft__forward_experts(f, layer);
        else ft__forward_dense(f, layer);
    }
    if (f->overflow)
        return ft__fail(err, FT_ERR_NUMERIC, m->file.path,
                        "a key or value does not fit the cache: use an F32 cache (kv f32), or the weights are broken");
    return ft__forward_head(f, err);
}
/* ---- end src/model/forward.c */
/* ---- begin src/run/kv.c */
/* Memory for keys and values: pages of 64 positions.

   A page that is full can become known: under the known page before it (none for the first), the variant,
   and its own 64 tokens, which together say all of its prefix.  Sequences that begin alike hold the same
   pages; nobody writes into a full page.  A known page that nobody holds stays findable until its memory is
   wanted.  Who holds a page holds those before it too, and gives them back from the end: so the page that
   has been idle longest has no known page after it, and nothing is cut off when it goes. */
/* ---- begin src/run/run.h */
/* Floor 4: sequences in the making. */
#ifndef FT__RUN_H
#define FT__RUN_H


/* ---- kv: run/kv.c.  Pages of 64 positions, all layers together: shared, counted, kept, given out. */

/* Stands before the data; outside kv.c a page is its data. */
typedef struct ft__kv_page {
    struct ft__kv_page *parent;        /* the known page before it */
    struct ft__kv_page *next;          /* in its bucket, or among the free */
    struct ft__kv_page *older, *newer; /* among the idle: known and held by none */
    uint32_t hash;
    int variant, n_holders;
    bool known;
    int32_t tokens[FT__TILE];
} ft__kv_page;

enum { FT__KV_BUCKETS = 1024 };
typedef struct ft__kv {
    ft_allocator allocator;
    size_t page_bytes, max_pages;
    size_t n_pages, n_free, n_idle;
    size_t most_pages, most_used;
    ft__kv_page *free_pages, *oldest, *newest;
    ft__kv_page *known[FT__KV_BUCKETS];
} ft__kv;
/* Of a zeroed struct; `bound` in bytes, 0 = none. */
FT__PRIV void ft__kv_init(ft__kv *kv, const ft_allocator *a, size_t data_bytes, size_t bound);
FT__PRIV size_t ft__kv_used(const ft__kv *kv); /* pages that are held */
/* A page to write into, held once; NULL: out of memory or bound.  Its content is anything finite. */
FT__PRIV uint8_t *ft__kv_take(ft__kv *kv);
FT__PRIV void ft__kv_hold(ft__kv *kv, uint8_t *page); /* once more */
FT__PRIV void ft__kv_give(ft__kv *kv, uint8_t *page); /* once less */
/* The known page with these 64 tokens behind the known page `before` (NULL: at the start), or NULL.
   Hashes only shorten the search. */
FT__PRIV uint8_t *ft__kv_find(const ft__kv *kv, const uint8_t *before, int variant, const int32_t *tokens);
/* Makes a full page known, whose holder also holds `before`.  Returns the page to hold from now on: another
   one if that prefix was known already. */
FT__PRIV uint8_t *ft__kv_learn(ft__kv *kv, const uint8_t *before, int variant, const int32_t *tokens,
                               uint8_t *page);
FT__PRIV uint32_t ft__kv_hash(const uint8_t *before, int variant, const int32_t *tokens);
FT__PRIV void ft__kv_clear(ft__kv *kv); /* frees all pages; none may be held */

/* ---- session: run/session.c */
typedef struct ft__sequence {
    bool open, fed; /* fed: named in the batch being checked */
    int variant, n_tokens;
    uint8_t **pages; /* (n_ctx / 64, rounded up); n_pages of them are there */
    int n_pages;
} ft__sequence;

struct ft_session {
    const ft_model *model;
    ft_allocator allocator;
    ft__pool *pool;
    ft__arena arena; /* scratch */
    ft__scratch scratch;
    ft__slot *slots; /* (max_batch) */
    int n_ctx, max_batch, max_sequences;
    ft__kv kv;
    ft__attention attention;
    ft__adaptation *variants;
    size_t n_variants, cap_variants;
    ft__sequence *sequences;
    size_t n_sequences, cap_sequences;
    ft_adapter **adapters; /* owned: those of ft_session_load_variant */
    size_t n_adapters, cap_adapters;
    int *order;      /* feeds by variant */
    size_t cap_order;
    bool share_prefixes;
    uint64_t tokens_computed, tokens_shared;
};
FT__PRIV ft_status ft__session_check_variant(const ft_session *s, int variant, const char *where, ft_error *err);
FT__PRIV ft_status ft__session_check_tokens(const ft_session *s, const int32_t *tokens, int n_tokens,
                                            const char *where, ft_error *err);

/* ---- places: run/places.c.  Sequences that run side by side, as long as their memory suffices, and use each
   other's pages. */
typedef struct ft__place {
    int sequence; /* -1: free */
    int variant;
    const int32_t *prompt; /* what is known of its tokens beforehand */
    int n_prompt;
    int n_shareable; /* of these, the first that others may have computed */
    int n_most;      /* tokens that it will be fed at most, the prompt included */
    int n_known;     /* pages that others know */
    bool began;      /* was fed before */
    bool fed;        /* is fed in this round */
} ft__place;

typedef struct ft__places {
    ft_session *session;
    ft__place *items;
    int n;
} ft__places;
FT__PRIV bool ft__places_init(ft__places *all, ft_session *s, int n, ft__arena *arena);
/* FT_ERR_LIMIT if `n_most` tokens can never be cached. */
FT__PRIV ft_status ft__places_check(const ft_session *s, int n_most, const char *where, ft_error *err);
/* Opens a sequence in a free place with all that is known already.  *fits is false, and the place still
   free, if it has to wait until others end; with no others, that is FT_ERR_LIMIT. */
FT__PRIV ft_status ft__places_start(ft__places *all, int i, const ft__place *what, bool *fits, ft_error *err);
FT__PRIV void ft__places_round(ft__places *all); /* nothing is fed yet */
/* Whether the place is fed in this round: not if another is computing just what it needs next.  The first
   one asked always is. */
FT__PRIV bool ft__places_ready(ft__places *all, int i);
FT__PRIV int ft__places_n_tokens(const ft__places *all, int i); /* cached so far */
/* After a round: what was computed becomes known.  `more` are the tokens after the prompt. */
FT__PRIV void ft__places_learn(ft__places *all, int i, const int32_t *more);
FT__PRIV void ft__places_end(ft__places *all, int i); /* free ones are left alone */

/* ---- score: run/score.c */
FT__PRIV float ft__logprob(const float *logits, int n_vocab, int32_t token);

#endif /* FT__RUN_H */
/* ---- end src/run/run.h */

enum { FT__KV_HEADER = (sizeof(ft__kv_page) + 63) / 64 * 64 }; /* the data behind it is aligned, too */

static ft__kv_page *ft__kv_page_of(const uint8_t *data) {
    return (ft__kv_page *)(void *)(uintptr_t)(data - FT__KV_HEADER);
}

static uint8_t *ft__kv_data(ft__kv_page *page) { return page ? (uint8_t *)page + FT__KV_HEADER : NULL; }

FT__PRIV void ft__kv_init(ft__kv *kv, const ft_allocator *a, size_t data_bytes, size_t bound) {
    kv->allocator = *a;
    kv->page_bytes = FT__KV_HEADER + data_bytes;
    kv->max_pages = bound ? bound / kv->page_bytes : SIZE_MAX;
}

FT__PRIV size_t ft__kv_used(const ft__kv *kv) { return kv->n_pages - kv->n_free - kv->n_idle; }

/* ---- the idle, from the oldest to the newest */

static void ft__kv_idle_add(ft__kv *kv, ft__kv_page *page) {
    page->older = kv->newest;
    page->newer = NULL;
    *(kv->newest ? &kv->newest->newer : &kv->oldest) = page;
    kv->newest = page;
    kv->n_idle++;
}

static void ft__kv_idle_remove(ft__kv *kv, ft__kv_page *page) {
    *(page->older ? &page->older->newer : &kv->oldest) = page->newer;
    *(page->newer ? &page->newer->older : &kv->newest) = page->older;
    kv->n_idle--;
}

/* ---- the known */

FT__PRIV uint32_t ft__kv_hash(const uint8_t *before, int variant, const int32_t *tokens) {
    uint32_t h = before ? ft__kv_page_of(before)->hash : (uint32_t)variant + 1;
    for (int t = 0; t < FT__TILE; t++) {
        h = (h ^ (uint32_t)tokens[t]) * 0x01000193u;
        h ^= h >> 15;
    }
    return h;
}

FT__PRIV uint8_t *ft__kv_find(const ft__kv *kv, const uint8_t *before, int variant, const int32_t *tokens) {
    const uint32_t hash = ft__kv_hash(before, variant, tokens);
    const ft__kv_page *parent = before ? ft__kv_page_of(before) : NULL;
    ft__kv_page *page = kv->known[hash % FT__KV_BUCKETS];
    for (; page; page = page->next)
        if (page->hash == hash && page->parent == parent && page->variant == variant &&
            memcmp(page->tokens, tokens, sizeof page->tokens) == 0)
            break;
    return ft__kv_data(page);
}

FT__PRIV uint8_t *ft__kv_learn(ft__kv *kv, const uint8_t *before, int variant, const int32_t *tokens,
                               uint8_t *data) {
    uint8_t *known = ft__kv_find(kv, before, variant, tokens);
    if (known) { /* another sequence was first: its page has the same bits */
        ft__kv_hold(kv, known);
        ft__kv_give(kv, data);
        return known;
    }
    ft__kv_page *page = ft__kv_page_of(data), **bucket;
    page->hash = ft__kv_hash(before, variant, tokens);
    page->parent = before ? ft__kv_page_of(before) : NULL;
    page->variant = variant;
    page->known = true;
    memcpy(page->tokens, tokens, sizeof page->tokens);
    bucket = &kv->known[page->hash % FT__KV_BUCKETS];
    page->next = *bucket;
    *bucket = page;
    return data;
}

static ft__kv_page *ft__kv_forget_oldest(ft__kv *kv) {
    ft__kv_page *page = kv->oldest, **at = &kv->known[page->hash % FT__KV_BUCKETS];
    ft__kv_idle_remove(kv, page);
    while (*at != page) at = &(*at)->next;
    *at = page->next;
    page->known = false;
    return page;
}

/* ---- giving and taking */

static ft__kv_page *ft__kv_create(ft__kv *kv) {
    if (kv->n_pages >= kv->max_pages) return NULL;
    ft__kv_page *page = (ft__kv_page *)ft__alloc_aligned(&kv->allocator, kv->page_bytes, 1);
    if (!page) return NULL;
    memset(page, 0, kv->page_bytes); /* a tile is computed whole, also where nothing is yet */
    if (++kv->n_pages > kv->most_pages) kv->most_pages = kv->n_pages;
    return page;
}

FT__PRIV uint8_t *ft__kv_take(ft__kv *kv) {
    ft__kv_page *page = kv->free_pages;
    const bool spare = kv->max_pages == SIZE_MAX && kv->n_idle > kv->most_used; /* of what no bound bounds */
    if (page) {
        kv->free_pages = page->next;
        kv->n_free--;
    } else if (!spare) {
        page = ft__kv_create(kv);
    }
    if (!page && kv->n_idle) page = ft__kv_forget_oldest(kv);
    if (!page) return NULL;
    page->n_holders = 1;
    if (ft__kv_used(kv) > kv->most_used) kv->most_used = ft__kv_used(kv);
    return ft__kv_data(page);
}

FT__PRIV void ft__kv_hold(ft__kv *kv, uint8_t *data) {
    ft__kv_page *page = ft__kv_page_of(data);
    if (!page->n_holders++) ft__kv_idle_remove(kv, page);
    if (ft__kv_used(kv) > kv->most_used) kv->most_used = ft__kv_used(kv);
}

FT__PRIV void ft__kv_give(ft__kv *kv, uint8_t *data) {
    ft__kv_page *page = ft__kv_page_of(data);
    if (--page->n_holders) return;
    if (page->known) {
        ft__kv_idle_add(kv, page);
        return;
    }
    page->next = kv->free_pages;
    kv->free_pages = page;
    kv->n_free++;
}

FT__PRIV void ft__kv_clear(ft__kv *kv) {
    while (kv->n_idle || kv->free_pages) {
        ft__kv_page *page = kv->free_pages;
        if (page) kv->free_pages = page->next;
        else page = ft__kv_forget_oldest(kv);
        ft__free_aligned(&kv->allocator, page);
    }
    kv->n_pages = kv->n_free = 0;
}
/* ---- end src/run/kv.c */
/* ---- begin src/run/session.c */
/* A session: sequences of one model under several variants, fed together in batches. */

enum { FT__SESSION_MAX_CTX = 1 << 24, FT__SESSION_MAX_BATCH = 1 << 16 };

static ft_status ft__session_range(const char *field, int found, int lowest, int highest, ft_error *err) {
    if (found >= lowest && found <= highest) return FT_OK;
    return ft__fail(err, FT_ERR_ARGUMENT, field, "found %d, expected %d to %d", found, lowest, highest);
}

static ft_status ft__session_defaults(ft_session *s, ft_session_desc *d, ft_error *err) {
    const ft_model_info *info = &s->model->info;
    if (!d->threads) d->threads = ft__cpu_count();
    if (!d->n_ctx) d->n_ctx = info->n_ctx;
    if (!d->max_batch) d->max_batch = 512;
    if (!d->max_sequences) d->max_sequences = 32;
    ft_status status = ft__session_range("threads", d->threads, 1, 256, err);
    if (!status) status = ft__session_range("n_ctx", d->n_ctx, 1, FT__SESSION_MAX_CTX, err);
    if (!status) status = ft__session_range("max_batch", d->max_batch, 1, FT__SESSION_MAX_BATCH, err);
    if (!status) status = ft__session_range("max_sequences", d->max_sequences, 1, 65536, err);
    if (!status) status = ft__session_range("kv", (int)d->kv, FT_KV_F16, FT_KV_Q8_0, err);
    s->n_ctx = d->n_ctx;
    s->max_batch = d->max_batch;
    s->max_sequences = d->max_sequences;
    s->attention.n_heads = info->n_heads;
    s->attention.n_kv_heads = info->n_kv_heads;
    s->attention.head_dim = info->head_dim;
    s->attention.scale = (float)(1.0 / ft__sqrt(info->head_dim));
    s->attention.type = d->kv;
    s->share_prefixes = !d->no_prefix_sharing;
    ft__kv_init(&s->kv, &s->allocator,
                (size_t)info->n_layers * (size_t)info->n_kv_heads * ft__attention_head_bytes(&s->attention),
                d->kv_bytes);
    return status;
}

static ft_status ft__session_init(ft_session *s, ft_session_desc d, ft_error *err) {
    int base;
    if (!s->model->layers)
        return ft__fail(err, FT_ERR_ARGUMENT, s->model->file.path,
                        "the model was loaded without its weights");
    ft_status status = ft__check_float_mode(err);
    if (!status) status = ft__session_defaults(s, &d, err);
    if (status) return status;
    s->slots = (ft__slot *)ft__arena_alloc(&s->arena, (size_t)s->max_batch, sizeof *s->slots);
    if (!s->slots || !ft__scratch_init(&s->scratch, s->model, s->max_batch, d.threads, &s->attention, &s->arena))
        return ft__fail_memory(err);
    s->pool = ft__pool_create(d.threads, &s->allocator, err);
    return s->pool ? ft_session_add_variant(s, NULL, 0, &base, err) : err ? err->code : FT_ERR_THREAD;
}

ft_session *ft_session_create(const ft_model *model, const ft_session_desc *desc, ft_error *err) {
    ft_session_desc defaults;
    memset(&defaults, 0, sizeof defaults);
    ft_session *s = (ft_session *)ft__alloc_zero(&model->allocator, 1, sizeof *s);
    if (!s) {
        ft__fail_memory(err);
        return NULL;
    }
    s->model = model;
    s->allocator = model->allocator;
    ft__arena_init(&s->arena, &s->allocator);
    if (ft__session_init(s, desc ? *desc : defaults, err) == FT_OK) return s;
    ft_session_free(s);
    return NULL;
}

void ft_session_free(ft_session *s) {
    if (!s) return;
    ft_allocator a = s->allocator;
    for (size_t i = 0; i < s->n_sequences; i++) {
        ft_session_close(s, (int)i);
        ft__free(&a, s->sequences[i].pages);
    }
    for (size_t i = 0; i < s->n_variants; i++) ft__free(&a, s->variants[i].uses);
    for (size_t i = 0; i < s->n_adapters; i++) ft_adapter_free(s->adapters[i]);
    ft__free(&a, s->adapters);
    ft__kv_clear(&s->kv);
    ft__pool_free(s->pool);
    ft__free(&a, s->sequences);
    ft__free(&a, s->variants);
    ft__free(&a, s->order);
    ft__free(&a, s->scratch.low);
    ft__arena_free(&s->arena);
    ft__free(&a, s);
}

/* The low-rank products need room for the highest rank that may come. */
static ft_status ft__session_rank(ft_session *s, const ft_adapter_use *uses, int n_uses, ft_error *err) {
    int rank = 1;
    for (int i = 0; i < n_uses; i++) {
        if (!uses[i].adapter || uses[i].adapter->model != s->model)
            return ft__fail(err, FT_ERR_MISMATCH, NULL, "adapter %d was loaded for another model", i);
        if (!ft__finite((double)uses[i].scale))
            return ft__fail(err, FT_ERR_ARGUMENT, "scale", "adapter %d: expected a finite number", i);
        if (uses[i].adapter->max_rank > rank) rank = uses[i].adapter->max_rank;
    }
    for (size_t v = 0; v < s->n_variants; v++)
        for (int i = 0; i < s->variants[v].n_uses; i++)
            if (s->variants[v].uses[i].adapter->max_rank > rank)
                rank = s->variants[v].uses[i].adapter->max_rank;
    void *low = ft__resize(&s->allocator, s->scratch.low, (size_t)s->max_batch * (size_t)rank, sizeof(float));
    if (!low) return ft__fail_memory(err);
    s->scratch.low = (float *)low;
    return FT_OK;
}

ft_status ft_session_add_variant(ft_session *s, const ft_adapter_use *uses, int n_uses, int *variant,
                                 ft_error *err) {
    if (n_uses < 0) return ft__fail(err, FT_ERR_ARGUMENT, "n_uses", "found %d, expected 0 or more", n_uses);
    ft_status status = ft__session_rank(s, uses, n_uses, err);
    if (status) return status;
    ft_adapter_use *copy = (ft_adapter_use *)ft__alloc_zero(&s->allocator, (size_t)n_uses, sizeof *copy);
    if (!copy || !ft__grow(&s->allocator, (void **)&s->variants, &s->cap_variants, s->n_variants + 1,
                           sizeof *s->variants)) {
        ft__free(&s->allocator, copy);
        return ft__fail_memory(err);
    }
    for (int i = 0; i < n_uses; i++) copy[i] = uses[i];
    s->variants[s->n_variants].uses = copy;
    s->variants[s->n_variants].n_uses = n_uses;
    *variant = (int)s->n_variants++;
    return FT_OK;
}

/* Whether the text is one number. */
static ft_status ft__session_scale(const ft_session *s, const char *text, double *scale, bool *is) {
    ft__arena arena;
    ft__json *value;
    ft__arena_init(&arena, &s->allocator);
    ft_status status = ft__json_parse(text, strlen(text), "scale", 1, &arena, &value, NULL);
    *is = status == FT_OK && value->type == FT__JSON_NUMBER;
    if (*is) *scale = value->number;
    ft__arena_free(&arena);
    return status == FT_ERR_MEMORY ? status : FT_OK;
}

/* "refund.gguf:0.5" is the file refund.gguf at half strength; a name may hold other colons. */
static ft_status ft__session_load_adapter(ft_session *s, const char *spec, ft_adapter_use *use,
                                          ft_error *err) {
    const char *colon = strrchr(spec, ':');
    size_t n = colon ? (size_t)(colon - spec) : strlen(spec);
    double scale = 1;
    bool is_scale = false;
    if (colon && ft__session_scale(s, colon + 1, &scale, &is_scale)) return ft__fail_memory(err);
    if (!is_scale) n = strlen(spec);
    if (!ft__grow(&s->allocator, (void **)&s->adapters, &s->cap_adapters, s->n_adapters + 1,
                  sizeof *s->adapters))
        return ft__fail_memory(err);
    char *path = (char *)ft__alloc_zero(&s->allocator, n + 1, 1);
    if (!path) return ft__fail_memory(err);
    memcpy(path, spec, n);
    ft_error mine;
    ft_adapter *adapter = ft_adapter_load(s->model, path, err ? err : (err = &mine));
    ft__free(&s->allocator, path);
    if (!adapter) return err->code;
    s->adapters[s->n_adapters++] = adapter;
    use->adapter = adapter;
    use->scale = (float)scale;
    return FT_OK;
}

ft_status ft_session_load_variant(ft_session *s, const char *const *specs, int n_specs, int *variant,
                                  ft_error *err) {
    if (n_specs < 0) return ft__fail(err, FT_ERR_ARGUMENT, "n_specs", "found %d, expected 0 or more", n_specs);
    ft_adapter_use *uses = (ft_adapter_use *)ft__alloc_zero(&s->allocator, (size_t)n_specs, sizeof *uses);
    ft_status status = uses ? FT_OK : ft__fail_memory(err);
    for (int i = 0; i < n_specs && !status; i++)
        status = ft__session_load_adapter(s, specs[i], &uses[i], err);
    if (!status) status = ft_session_add_variant(s, uses, n_specs, variant, err);
    ft__free(&s->allocator, uses);
    return status;
}

FT__PRIV ft_status ft__session_check_variant(const ft_session *s, int variant, const char *where,
                                             ft_error *err) {
    if (variant >= 0 && (size_t)variant < s->n_variants) return FT_OK;
    return ft__fail(err, FT_ERR_ARGUMENT, where, "variant: found %d, expected 0 to %d", variant,
                    (int)s->n_variants - 1);
}

FT__PRIV ft_status ft__session_check_tokens(const ft_session *s, const int32_t *tokens, int n_tokens,
                                            const char *where, ft_error *err) {
    for (int t = 0; t < n_tokens; t++)
        if (tokens[t] < 0 || tokens[t] >= s->model->info.n_vocab)
            return ft__fail(err, FT_ERR_TOKEN, where, "token %d is %d, expected 0 to %d", t, (int)tokens[t],
                            s->model->info.n_vocab - 1);
    return FT_OK;
}

ft_status ft_session_open(ft_session *s, int variant, int *sequence, ft_error *err) {
    size_t at = 0, n_pages = ((size_t)s->n_ctx + FT__TILE - 1) / FT__TILE;
    ft_status status = ft__session_check_variant(s, variant, NULL, err);
    if (status) return status;
    while (at < s->n_sequences && s->sequences[at].open) at++;
    if (at == s->n_sequences) {
        ft__sequence fresh = {false, false, 0, 0, NULL, 0};
        fresh.pages = (uint8_t **)ft__alloc_zero(&s->allocator, n_pages, sizeof *fresh.pages);
        if (!fresh.pages || !ft__grow(&s->allocator, (void **)&s->sequences, &s->cap_sequences, at + 1,
                                      sizeof fresh)) {
            ft__free(&s->allocator, fresh.pages);
            return ft__fail_memory(err);
        }
        s->sequences[s->n_sequences++] = fresh;
    }
    s->sequences[at].open = true;
    s->sequences[at].variant = variant;
    s->sequences[at].n_tokens = 0;
    *sequence = (int)at;
    return FT_OK;
}

void ft_session_close(ft_session *s, int sequence) {
    if (sequence < 0 || (size_t)sequence >= s->n_sequences) return;
    ft__sequence *q = &s->sequences[sequence];
    while (q->n_pages) ft__kv_give(&s->kv, q->pages[--q->n_pages]);
    q->open = false;
}

static ft_status ft__session_check_feed(ft_session *s, const ft_feed *feed, int i, ft_error *err) {
    char where[32];
    snprintf(where, sizeof where, "feed %d", i);
    if (feed->sequence < 0 || (size_t)feed->sequence >= s->n_sequences ||
        !s->sequences[feed->sequence].open)
        return ft__fail(err, FT_ERR_ARGUMENT, where, "sequence %d is not open", feed->sequence);
    ft__sequence *q = &s->sequences[feed->sequence];
    if (q->fed)
        return ft__fail(err, FT_ERR_ARGUMENT, where, "sequence %d appears twice", feed->sequence);
    q->fed = true;
    if (feed->n_tokens < 1)
        return ft__fail(err, FT_ERR_ARGUMENT, where, "found %d tokens, expected at least 1", feed->n_tokens);
    if (feed->n_tokens > s->n_ctx - q->n_tokens)
        return ft__fail(err, FT_ERR_CONTEXT, where, "%d tokens and %d more are over the context of %d",
                        q->n_tokens, feed->n_tokens, s->n_ctx);
    return ft__session_check_tokens(s, feed->tokens, feed->n_tokens, where, err);
}

/* Whether the cache's bound has room for all feeds. */
static ft_status ft__session_check_room(const ft_session *s, const ft_feed *feeds, int n_feeds, ft_error *err) {
    size_t wanted = 0, used = ft__kv_used(&s->kv);
    for (int i = 0; i < n_feeds; i++) {
        const ft__sequence *q = &s->sequences[feeds[i].sequence];
        int n_pages = (q->n_tokens + feeds[i].n_tokens + FT__TILE - 1) / FT__TILE;
        if (n_pages > q->n_pages) wanted += (size_t)(n_pages - q->n_pages);
    }
    if (wanted <= s->kv.max_pages - used) return FT_OK;
    return ft__fail(err, FT_ERR_LIMIT, "kv_bytes", "%zu pages of %zu bytes are in use and %zu more needed, "
                    "expected at most %zu in all", used, s->kv.page_bytes, wanted, s->kv.max_pages);
}

/* Everything is checked, and every page is there, before anything changes. */
static ft_status ft__session_prepare(ft_session *s, const ft_feed *feeds, int n_feeds, ft_error *err) {
    ft_status status = ft__session_range("n_feeds", n_feeds, 0, INT_MAX, err);
    for (size_t i = 0; i < s->n_sequences; i++) s->sequences[i].fed = false;
    for (int i = 0; i < n_feeds && !status; i++) status = ft__session_check_feed(s, &feeds[i], i, err);
    if (!status) status = ft__session_check_room(s, feeds, n_feeds, err);
    if (status) return status;
    if (!ft__grow(&s->allocator, (void **)&s->order, &s->cap_order, (size_t)n_feeds, sizeof *s->order))
        return ft__fail_memory(err);
    for (int i = 0; i < n_feeds; i++) {
        ft__sequence *q = &s->sequences[feeds[i].sequence];
        while (q->n_pages * FT__TILE < q->n_tokens + feeds[i].n_tokens) {
            if (!(q->pages[q->n_pages] = ft__kv_take(&s->kv))) return ft__fail_memory(err);
            q->n_pages++;
        }
    }
    return FT_OK;
}

/* s->order: the feeds by variant, otherwise as they came. */
static void ft__session_sort(ft_session *s, const ft_feed *feeds, int n_feeds) {
    int n = 0;
    for (int v = 0; v < (int)s->n_variants && n < n_feeds; v++)
        for (int i = 0; i < n_feeds; i++)
            if (s->sequences[feeds[i].sequence].variant == v) s->order[n++] = i;
}

static ft__slot ft__session_slot(const ft_session *s, const ft_feed *feed, int t) {
    const ft__sequence *q = &s->sequences[feed->sequence];
    ft__slot slot = {feed->tokens[t], q->n_tokens + t, q->variant, q->pages, NULL, NULL};
    if (feed->all_logits) slot.logits = feed->all_logits + (size_t)t * (size_t)s->model->info.n_vocab;
    if (t == feed->n_tokens - 1) slot.logits_2 = feed->last_logits;
    return slot;
}

ft_status ft_session_decode(ft_session *s, const ft_feed *feeds, int n_feeds, ft_error *err) {
    ft_status status = ft__session_prepare(s, feeds, n_feeds, err);
    if (!status) status = ft__check_float_mode(err);
    if (status) return status;
    ft__forward f = {s->model, s->pool, &s->scratch, s->variants, s->attention, s->slots, 0, 0, 0};
    ft__session_sort(s, feeds, n_feeds);
    for (int i = 0; i < n_feeds && !status; i++) {
        const ft_feed *feed = &feeds[s->order[i]];
        for (int t = 0; t < feed->n_tokens && !status; t++) {
            bool last = i == n_feeds - 1 && t == feed->n_tokens - 1;
            s->slots[f.n_slots++] = ft__session_slot(s, feed, t);
            if (f.n_slots < s->max_batch && !last) continue;
            status = ft__forward_run(&f, err);
            f.n_slots = 0;
        }
    }
    for (int i = 0; i < n_feeds; i++) {
        s->sequences[feeds[i].sequence].n_tokens += feeds[i].n_tokens;
        s->tokens_computed += (uint64_t)feeds[i].n_tokens;
    }
    return status;
}

ft_session_stats ft_session_get_stats(const ft_session *s) {
    ft_session_stats stats = {s->tokens_computed, s->tokens_shared, s->kv.n_pages * s->kv.page_bytes,
                              s->kv.most_pages * s->kv.page_bytes};
    return stats;
}

enum { FT__SESSION_LOGITS_AT_ONCE = 64 };

static ft_status ft__session_logits(ft_session *s, int sequence, const int32_t *tokens, int n_tokens,
                                    float *logits, ft_write_fn write, void *user, ft_error *err) {
    for (int at = 0; at < n_tokens; at += FT__SESSION_LOGITS_AT_ONCE) {
        int n = n_tokens - at;
        if (n > FT__SESSION_LOGITS_AT_ONCE) n = FT__SESSION_LOGITS_AT_ONCE;
        ft_feed feed = {sequence, tokens + at, n, NULL, logits};
        ft_status status = ft_session_decode(s, &feed, 1, err);
        if (status) return status;
        size_t size = (size_t)n * (size_t)s->model->info.n_vocab * sizeof *logits;
        if (write(user, (const char *)logits, size) != 0)
            return ft__fail(err, FT_ERR_CANCELLED, NULL, "the output was refused");
    }
    return FT_OK;
}

ft_status ft_session_write_logits(ft_session *s, int variant, const int32_t *tokens, int n_tokens,
                                  ft_write_fn write, void *user, ft_error *err) {
    int sequence;
    ft_status status = ft__session_check_tokens(s, tokens, n_tokens, NULL, err); /* before a row is out */
    if (!status) status = ft_session_open(s, variant, &sequence, err);
    if (status) return status;
    float *logits = (float *)ft__alloc_zero(&s->allocator, (size_t)s->model->info.n_vocab,
                                            FT__SESSION_LOGITS_AT_ONCE * sizeof *logits);
    if (logits) status = ft__session_logits(s, sequence, tokens, n_tokens, logits, write, user, err);
    else status = ft__fail_memory(err);
    ft__free(&s->allocator, logits);
    ft_session_close(s, sequence);
    return status;
}
/* ---- end src/run/session.c */
/* ---- begin src/run/places.c */
/* Sequences that run side by side.  What memory each may still want is counted when it starts, so that those
   who run always come to their end; who does not fit waits.  A sequence takes the known pages of its
   prompt, and where another one is computing its next page at this moment, it waits a round and takes that. */

static size_t ft__places_pages(int n_tokens) { return ((size_t)n_tokens + FT__TILE - 1) / FT__TILE; }

static ft__sequence *ft__places_sequence(const ft__places *all, int i) {
    return &all->session->sequences[all->items[i].sequence];
}

FT__PRIV bool ft__places_init(ft__places *all, ft_session *s, int n, ft__arena *arena) {
    all->session = s;
    all->items = (ft__place *)ft__arena_alloc(arena, (size_t)n, sizeof *all->items);
    if (!all->items) return false;
    all->n = n;
    for (int i = 0; i < n; i++) all->items[i].sequence = -1;
    return true;
}

/* Sequences of the caller's own keep what they have. */
FT__PRIV ft_status ft__places_check(const ft_session *s, int n_most, const char *where, ft_error *err) {
    const size_t wanted = ft__places_pages(n_most), room = s->kv.max_pages - ft__kv_used(&s->kv);
    if (wanted <= room) return FT_OK;
    return ft__fail(err, FT_ERR_LIMIT, where, "%d tokens take %zu pages of %zu bytes of keys and values, kv_bytes "
                    "has room for %zu", n_most, wanted, s->kv.page_bytes, room);
}

/* Whether all places can have their most. */
static bool ft__places_fit(const ft__places *all) {
    size_t pages = ft__kv_used(&all->session->kv);
    for (int i = 0; i < all->n; i++)
        if (all->items[i].sequence >= 0)
            pages += ft__places_pages(all->items[i].n_most) - (size_t)ft__places_sequence(all, i)->n_pages;
    return pages <= all->session->kv.max_pages;
}

/* Takes what is known of the prompt. */
static void ft__places_join(const ft__places *all, int i) {
    ft__kv *kv = &all->session->kv;
    const ft__place *p = &all->items[i];
    ft__sequence *q = ft__places_sequence(all, i);
    while (all->session->share_prefixes && q->n_tokens + FT__TILE <= p->n_shareable) {
        uint8_t *before = q->n_pages ? q->pages[q->n_pages - 1] : NULL;
        uint8_t *page = ft__kv_find(kv, before, p->variant, p->prompt + q->n_tokens);
        if (!page) break;
        ft__kv_hold(kv, page);
        q->pages[q->n_pages++] = page;
        q->n_tokens += FT__TILE;
    }
}

FT__PRIV ft_status ft__places_start(ft__places *all, int i, const ft__place *what, bool *fits, ft_error *err) {
    int sequence;
    ft_status status = ft_session_open(all->session, what->variant, &sequence, err);
    if (status) return status;
    all->items[i] = *what;
    all->items[i].sequence = sequence;
    ft__places_join(all, i);
    *fits = ft__places_fit(all);
    if (*fits) return FT_OK;
    ft__places_end(all, i);
    for (int k = 0; k < all->n; k++) /* who waits alone waits for ever */
        if (all->items[k].sequence >= 0) return FT_OK;
    return ft__fail(err, FT_ERR_LIMIT, "kv_bytes", "a callback took the memory that was left");
}

FT__PRIV void ft__places_round(ft__places *all) {
    for (int i = 0; i < all->n; i++) all->items[i].fed = false;
}

/* Whether a place that is fed in this round has, or will have, the page that place i needs next. */
static bool ft__places_wait(const ft__places *all, int i) {
    const ft__place *p = &all->items[i];
    const int n = ft__places_sequence(all, i)->n_tokens + FT__TILE;
    for (int k = 0; k < all->n && all->session->share_prefixes && n <= p->n_shareable; k++) {
        const ft__place *other = &all->items[k];
        if (other->fed && other->variant == p->variant && n <= other->n_prompt &&
            memcmp(other->prompt, p->prompt, (size_t)n * sizeof *p->prompt) == 0)
            return true;
    }
    return false;
}

FT__PRIV bool ft__places_ready(ft__places *all, int i) {
    ft__place *p = &all->items[i];
    if (!p->began) {
        ft__places_join(all, i);
        if (ft__places_wait(all, i)) return false;
        p->n_known = ft__places_sequence(all, i)->n_pages;
        p->began = true;
        all->session->tokens_shared += (uint64_t)p->n_known * FT__TILE;
    }
    return p->fed = true;
}

FT__PRIV int ft__places_n_tokens(const ft__places *all, int i) { return ft__places_sequence(all, i)->n_tokens; }

FT__PRIV void ft__places_learn(ft__places *all, int i, const int32_t *more) {
    ft__place *p = &all->items[i];
    ft__sequence *q = ft__places_sequence(all, i);
    int32_t tokens[FT__TILE];
    for (; all->session->share_prefixes && (p->n_known + 1) * FT__TILE <= q->n_tokens; p->n_known++) {
        for (int t = 0; t < FT__TILE; t++) {
            const int at = p->n_known * FT__TILE + t;
            tokens[t] = at < p->n_prompt ? p->prompt[at] : more[at - p->n_prompt];
        }
        uint8_t **page = &q->pages[p->n_known];
        *page = ft__kv_learn(&all->session->kv, p->n_known ? page[-1] : NULL, p->variant, tokens, *page);
    }
}

FT__PRIV void ft__places_end(ft__places *all, int i) {
    if (all->items[i].sequence < 0) return;
    ft_session_close(all->session, all->items[i].sequence);
    all->items[i].sequence = -1;
    all->items[i].fed = false;
}
/* ---- end src/run/places.c */
/* ---- begin src/run/score.c */
/* Log-probs of given texts.  The logits of a few positions at a time stand in one buffer, whichever sequences
   they are of; what comes before the first token to score asks for none, and may come from others' pages. */

enum { FT__SCORE_ROWS = 64 };

typedef struct ft__score_row {
    const ft_score_request *request;
    int token; /* that comes after these logits */
} ft__score_row;

typedef struct ft__score_run {
    ft__places places;
    const ft_score_request **at; /* (places) */
    const ft_score_request *requests;
    int n_requests, n_taken;
    ft_feed *feeds;              /* (places) */
    float *logits;               /* (max_rows, n_vocab) */
    ft__score_row *rows;
    int n_rows, max_rows;
    ft_error *err;
} ft__score_run;

typedef struct ft__score_norm {
    double largest, log_sum;
} ft__score_norm;

static ft__score_norm ft__score_normalize(const float *logits, int n) {
    float largest = logits[0];
    double sum = 0;
    for (int i = 1; i < n; i++) largest = logits[i] > largest ? logits[i] : largest;
    for (int i = 0; i < n; i++) sum += ft__exp((double)logits[i] - (double)largest);
    ft__score_norm norm = {(double)largest, ft__log(sum)};
    return norm;
}

static float ft__score_of(const ft__score_norm *norm, float logit) {
    return (float)((double)logit - norm->largest - norm->log_sum);
}

FT__PRIV float ft__logprob(const float *logits, int n_vocab, int32_t token) {
    ft__score_norm norm = ft__score_normalize(logits, n_vocab);
    return ft__score_of(&norm, logits[token]);
}

/* The k largest, by insertion: after the first few, hardly any id gets in. */
static void ft__score_top(const float *logits, int n, int k, int32_t *top) {
    int n_top = 0;
    for (int i = 0; i < n; i++) {
        if (n_top == k && !(logits[i] > logits[top[k - 1]])) continue;
        int at = n_top < k ? n_top++ : k - 1;
        for (; at > 0 && logits[i] > logits[top[at - 1]]; at--) top[at] = top[at - 1];
        top[at] = i;
    }
}

static int ft__score_first(const ft_score_request *r) { return r->first ? r->first : 1; }

static void ft__score_row_part(void *user, int part) {
    const ft__score_run *g = (const ft__score_run *)user;
    const ft_score_request *r = g->rows[part].request;
    const int n = g->places.session->model->info.n_vocab, token = g->rows[part].token;
    const float *logits = g->logits + (size_t)part * (size_t)n;
    const ft__score_norm norm = ft__score_normalize(logits, n);
    const size_t at = (size_t)(token - ft__score_first(r)), top_at = at * (size_t)r->top_k;
    if (r->logprobs) r->logprobs[at] = ft__score_of(&norm, logits[r->tokens[token]]);
    if (!r->top_k) return;
    ft__score_top(logits, n, r->top_k, r->top_tokens + top_at);
    for (int k = 0; k < r->top_k && r->top_logprobs; k++)
        r->top_logprobs[top_at + (size_t)k] = ft__score_of(&norm, logits[r->top_tokens[top_at + (size_t)k]]);
}

static ft_status ft__score_check(const ft_session *s, const ft_score_request *r, int i, ft_error *err) {
    char where[32];
    snprintf(where, sizeof where, "request %d", i);
    if (r->n_tokens < 2 || r->first < 0 || r->first >= r->n_tokens)
        return ft__fail(err, FT_ERR_ARGUMENT, where, "%d tokens, the first to score %d: expected at least 2, and "
                        "one after the first", r->n_tokens, r->first);
    if (r->top_k < 0 || r->top_k > s->model->info.n_vocab || (r->top_k && !r->top_tokens))
        return ft__fail(err, FT_ERR_ARGUMENT, where, "top_k %d: expected 0 to %d, and top_tokens for them",
                        r->top_k, s->model->info.n_vocab);
    if (r->n_tokens > s->n_ctx)
        return ft__fail(err, FT_ERR_CONTEXT, where, "%d tokens are over the context of %d", r->n_tokens, s->n_ctx);
    ft_status status = ft__session_check_variant(s, r->variant, where, err);
    if (!status) status = ft__session_check_tokens(s, r->tokens, r->n_tokens, where, err);
    return status ? status : ft__places_check(s, r->n_tokens - 1, where, err);
}

/* Requests start in their order: one that does not fit holds up those behind it. */
static ft_status ft__score_take(ft__score_run *g) {
    ft_status status = FT_OK;
    bool fits = true;
    for (int i = 0; i < g->places.n && g->n_taken < g->n_requests && fits && !status; i++) {
        const ft_score_request *r = &g->requests[g->n_taken];
        const int n = r->n_tokens - 1; /* nothing is asked of the last one's logits */
        ft__place place = {-1, r->variant, r->tokens, n, ft__score_first(r) - 1, n, 0, false, false};
        if (g->places.items[i].sequence >= 0) continue;
        status = ft__places_start(&g->places, i, &place, &fits, g->err);
        if (!status && fits) g->at[i] = r, g->n_taken++;
    }
    return status;
}

/* What place i is fed: its context, or as many tokens as it has rows for logits. */
static ft_feed ft__score_feed(ft__score_run *g, int i, int share) {
    const ft_score_request *r = g->at[i];
    const int at = ft__places_n_tokens(&g->places, i), context = ft__score_first(r) - 1;
    int n = at < context ? context - at : r->n_tokens - 1 - at;
    ft_feed feed = {g->places.items[i].sequence, r->tokens + at, n, NULL, NULL};
    if (at < context) return feed;
    if (n > share) feed.n_tokens = n = share;
    feed.all_logits = g->logits + (size_t)g->n_rows * (size_t)g->places.session->model->info.n_vocab;
    for (int t = 0; t < n; t++) {
        ft__score_row row = {r, at + t + 1};
        g->rows[g->n_rows++] = row;
    }
    return feed;
}

static ft_status ft__score_round(ft__score_run *g) {
    ft_session *s = g->places.session;
    int n_feeds = 0, n_busy = 0;
    ft_status status = ft__score_take(g);
    g->n_rows = 0;
    ft__places_round(&g->places);
    for (int i = 0; i < g->places.n; i++) n_busy += g->places.items[i].sequence >= 0;
    for (int i = 0; i < g->places.n && !status; i++)
        if (g->places.items[i].sequence >= 0 && ft__places_ready(&g->places, i))
            g->feeds[n_feeds++] = ft__score_feed(g, i, g->max_rows / n_busy);
    if (!status) status = ft_session_decode(s, g->feeds, n_feeds, g->err);
    if (status) return status;
    ft__pool_run(s->pool, ft__score_row_part, g, g->n_rows);
    for (int i = 0; i < g->places.n; i++) {
        if (!g->places.items[i].fed) continue;
        ft__places_learn(&g->places, i, NULL);
        if (ft__places_n_tokens(&g->places, i) == g->at[i]->n_tokens - 1) ft__places_end(&g->places, i);
    }
    return FT_OK;
}

static bool ft__score_busy(const ft__score_run *g) {
    for (int i = 0; i < g->places.n; i++)
        if (g->places.items[i].sequence >= 0) return true;
    return g->n_taken < g->n_requests;
}

ft_status ft_session_score(ft_session *s, const ft_score_request *requests, int n_requests, ft_error *err) {
    ft__arena arena;
    ft__score_run g;
    const int n = n_requests < s->max_sequences ? n_requests : s->max_sequences;
    ft_status status = FT_OK;
    for (int i = 0; i < n_requests && !status; i++) status = ft__score_check(s, &requests[i], i, err);
    if (status || n_requests < 1) return status;
    memset(&g, 0, sizeof g);
    g.requests = requests;
    g.n_requests = n_requests;
    g.max_rows = n > FT__SCORE_ROWS ? n : (int)FT__SCORE_ROWS;
    g.err = err;
    ft__arena_init(&arena, &s->allocator);
    g.at = (const ft_score_request **)ft__arena_alloc(&arena, (size_t)n, sizeof *g.at);
    g.feeds = (ft_feed *)ft__arena_alloc(&arena, (size_t)n, sizeof *g.feeds);
    g.rows = (ft__score_row *)ft__arena_alloc(&arena, (size_t)g.max_rows, sizeof *g.rows);
    g.logits = (float *)ft__arena_alloc(&arena, (size_t)g.max_rows, sizeof(float) * (size_t)s->model->info.n_vocab);
    if (!ft__places_init(&g.places, s, n, &arena) || arena.failed) status = ft__fail_memory(err);
    while (!status && ft__score_busy(&g)) status = ft__score_round(&g);
    for (int i = 0; i < g.places.n; i++) ft__places_end(&g.places, i);
    ft__arena_free(&arena);
    return status;
}
/* ---- end src/run/score.c */
/* ---- begin src/run/sampler.c */
/* Choosing a token.  Greedy is the largest logit, the lowest id on ties.  Otherwise top-k, top-p and min-p
   cut the candidates, ordered by logit and then id, by their probabilities at temperature 1; one of those
   left is drawn at the temperature asked for.  Nothing is sorted: a cut is found bit by bit on the logits'
   integer order.  Own exp, sums by ascending id: the same draw everywhere. */

typedef struct ft__sampler {
    const float *logits;
    float *p; /* exp(logit - largest) */
    int n;
    uint32_t cut; /* kept: a key above this, */
    int cut_id;   /* or equal with an id up to this */
} ft__sampler;

static int ft__sampler_greedy(const float *logits, int n) {
    int best = 0;
    for (int i = 1; i < n; i++)
        if (logits[i] > logits[best]) best = i;
    return best;
}

/* Integers in the order of the floats; -0 is 0. */
static uint32_t ft__sampler_key(float logit) {
    uint32_t bits = ft__bits_of(logit + 0.0f);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

static bool ft__sampler_kept(const ft__sampler *s, int i) {
    uint32_t key = ft__sampler_key(s->logits[i]);
    return key > s->cut || (key == s->cut && i <= s->cut_id);
}

/* What the kept candidates with a key of at least `key` weigh: 1 each, or their probability. */
static double ft__sampler_weight(const ft__sampler *s, uint32_t key, bool count) {
    double sum = 0;
    for (int i = 0; i < s->n; i++)
        if (ft__sampler_key(s->logits[i]) >= key && ft__sampler_kept(s, i)) sum += count ? 1.0 : (double)s->p[i];
    return sum;
}

/* Keeps the fewest of the best candidates that weigh `wanted` together. */
static void ft__sampler_cut(ft__sampler *s, double wanted, bool count) {
    uint32_t cut = 0;
    for (uint32_t bit = 0x80000000u; bit; bit >>= 1)
        if (ft__sampler_weight(s, cut | bit, count) >= wanted) cut |= bit;
    double sum = cut == UINT32_MAX ? 0 : ft__sampler_weight(s, cut + 1, count);
    int last = -1;
    for (int i = 0; i < s->n && sum < wanted; i++) {
        if (ft__sampler_key(s->logits[i]) != cut || !ft__sampler_kept(s, i)) continue;
        sum += count ? 1.0 : (double)s->p[i];
        last = i;
    }
    s->cut = cut;
    s->cut_id = last;
}

static int ft__sampler_draw(ft__sampler *s, int best, const ft_sampling *how, const ft_draw *draw) {
    double sum = 0, so_far = 0, unit;
    float sharper = 1.0f / how->temperature, largest = s->logits[best];
    int last = best; /* if nothing is left: min_p above 1, a temperature whose reciprocal overflows */
    for (int i = 0; i < s->n; i++) {
        bool in = ft__sampler_kept(s, i) && !(s->p[i] < how->min_p);
        s->p[i] = in ? ft__expf((s->logits[i] - largest) * sharper) : 0.0f;
        sum += (double)s->p[i];
    }
    unit = ft__random_unit(how->seed, draw->row, draw->variant, draw->position);
    for (int i = 0; i < s->n; i++) {
        if (s->p[i] == 0) continue;
        so_far += (double)s->p[i];
        last = i;
        if (so_far > unit * sum) break;
    }
    return last;
}

int ft_sample(const float *logits, int n_vocab, const ft_sampling *sampling, const ft_draw *draw,
              float *scratch) {
    if (n_vocab < 1) return -1;
    const int best = ft__sampler_greedy(logits, n_vocab);
    if (!sampling || !(sampling->temperature > 0) || !scratch || !draw) return best;
    ft__sampler s = {logits, scratch, n_vocab, 0, n_vocab};
    for (int i = 0; i < n_vocab; i++) scratch[i] = ft__expf(logits[i] - logits[best]);
    if (sampling->top_k > 0 && sampling->top_k < n_vocab) ft__sampler_cut(&s, sampling->top_k, true);
    if (sampling->top_p > 0 && sampling->top_p < 1)
        ft__sampler_cut(&s, (double)sampling->top_p * ft__sampler_weight(&s, 0, false), false);
    return ft__sampler_draw(&s, best, sampling, draw);
}
/* ---- end src/run/sampler.c */
/* ---- begin src/run/generate.c */
/* Generation of many requests at once: a place that becomes free is taken by the next request, as soon as
   there is memory for it, prompts and single tokens share batches, and each finished text is cut at its stop
   string. */

/* A request at work. */
typedef struct ft__gen_place {
    int index;          /* of its sequence among the places that run */
    int request;        /* -1: free */
    ft__buf text;
    int32_t *tokens;
    float *logprobs;    /* of the tokens, if wanted */
    size_t n_tokens, cap_tokens, cap_logprobs;
    size_t n_told;      /* bytes of the text that the hook has seen */
    float *logits;      /* (n_vocab) */
} ft__gen_place;

typedef struct ft__gen {
    ft_session *session;
    ft_request *requests; /* a copy with all defaults and all prompts as ids */
    int n_requests, n_taken;
    ft_completion *out;
    const ft_generate_hooks *hooks;
    ft__gen_place *places;
    int n_places;
    ft__places run;
    ft_feed *feeds;
    float *scratch;
    ft_error *err;
} ft__gen;

static ft_status ft__gen_tokenize(const ft__gen *g, ft_request *r, ft__arena *arena) {
    const ft_model *m = g->session->model;
    size_t n, cap = 3 * r->text_len + 3;
    int32_t *tokens = (int32_t *)ft__arena_alloc(arena, cap, sizeof *tokens);
    if (!tokens) return ft__fail_memory(g->err);
    ft_status status = ft_tokenize(m, r->text, r->text_len, r->flags, tokens, cap, &n, g->err);
    if (!status && n > INT_MAX) status = ft__fail(g->err, FT_ERR_CONTEXT, NULL, "the prompt is too long");
    r->prompt = tokens;
    r->n_prompt = (int)n;
    return status;
}

static ft_status ft__gen_prepare(ft__gen *g, const ft_request *requests, ft__arena *arena) {
    g->requests = (ft_request *)ft__arena_alloc(arena, (size_t)g->n_requests, sizeof *g->requests);
    if (!g->requests) return ft__fail_memory(g->err);
    ft_status status = FT_OK;
    for (int i = 0; i < g->n_requests && !status; i++) {
        ft_request *r = &g->requests[i];
        *r = requests[i];
        if (!r->max_tokens) r->max_tokens = 128;
        if (!r->prompt && r->text) status = ft__gen_tokenize(g, r, arena);
    }
    return status;
}

/* Tokens that a request is fed at most: the last one that it makes is not. */
static int ft__gen_most(const ft_request *r) { return r->n_prompt + r->max_tokens - 1; }

static ft_status ft__gen_check(const ft__gen *g) {
    for (int i = 0; i < g->n_requests; i++) {
        const ft_request *r = &g->requests[i];
        char where[32];
        snprintf(where, sizeof where, "request %d", i);
        if (!r->prompt)
            return ft__fail(g->err, FT_ERR_ARGUMENT, where, "there is neither a prompt nor a text");
        if (r->n_prompt < 1 || r->max_tokens < 1)
            return ft__fail(g->err, FT_ERR_ARGUMENT, where, "%d prompt tokens and max_tokens %d, expected at "
                            "least 1 of each", r->n_prompt, r->max_tokens);
        if (r->n_prompt > g->session->n_ctx || r->max_tokens > g->session->n_ctx - r->n_prompt)
            return ft__fail(g->err, FT_ERR_CONTEXT, where,
                            "a prompt of %d tokens and max_tokens %d are over the context of %d",
                            r->n_prompt, r->max_tokens, g->session->n_ctx);
        for (int s = 0; s < r->n_stops; s++)
            if (!r->stops[s] || !r->stops[s][0])
                return ft__fail(g->err, FT_ERR_ARGUMENT, where, "stop string %d is empty", s);
        ft_status status = ft__session_check_variant(g->session, r->variant, where, g->err);
        if (!status) status = ft__session_check_tokens(g->session, r->prompt, r->n_prompt, where, g->err);
        if (!status) status = ft__places_check(g->session, ft__gen_most(r), where, g->err);
        if (status) return status;
    }
    return FT_OK;
}

/* The next request, if there is memory for it; *fits says so. */
static ft_status ft__gen_take(ft__gen *g, ft__gen_place *p, bool *fits) {
    const ft_request *r = &g->requests[g->n_taken];
    const ft__place place = {-1, r->variant, r->prompt, r->n_prompt, r->n_prompt - 1, ft__gen_most(r), 0,
                             false, false}; /* the prompt's last token is always computed, for its logits */
    ft_status status = ft__places_start(&g->run, p->index, &place, fits, g->err);
    if (status || !*fits) return status;
    p->request = g->n_taken++;
    p->n_tokens = p->cap_tokens = p->cap_logprobs = p->n_told = 0;
    p->tokens = NULL;
    p->logprobs = NULL;
    ft__buf_init(&p->text, &g->session->allocator);
    ft__buf_text(&p->text, "");
    return p->text.failed ? ft__fail_memory(g->err) : FT_OK;
}

/* Where the first stop string begins in the text, looking only where one can have ended newly. */
static size_t ft__gen_find_stop(const ft__buf *text, size_t n_before, const ft_request *r) {
    size_t found = SIZE_MAX;
    for (int s = 0; s < r->n_stops; s++) {
        size_t n = strlen(r->stops[s]), at = n_before >= n ? n_before - n + 1 : 0;
        for (; at + n <= text->len && at < found; at++)
            if (memcmp(text->data + at, r->stops[s], n) == 0) found = at;
    }
    return found;
}

/* Bytes at the end of the text that may still become a stop string or a whole character. */
static size_t ft__gen_held_back(const ft__buf *text, const ft_request *r) {
    size_t held = ft__utf8_incomplete_tail(text->data, text->len);
    for (int s = 0; s < r->n_stops; s++)
        for (size_t n = strlen(r->stops[s]) - 1; n > held; n--)
            if (n <= text->len && memcmp(text->data + text->len - n, r->stops[s], n) == 0) held = n;
    return held;
}

static ft_status ft__gen_tell(ft__gen *g, ft__gen_place *p, size_t up_to) {
    if (!g->hooks || !g->hooks->text || up_to <= p->n_told) return FT_OK;
    const char *bytes = p->text.data + p->n_told;
    size_t n = up_to - p->n_told;
    p->n_told = up_to;
    if (g->hooks->text(g->hooks->user, p->request, bytes, n) == 0) return FT_OK;
    return ft__fail(g->err, FT_ERR_CANCELLED, NULL, "the text callback asked to stop");
}

static void ft__gen_release(ft__gen *g, ft__gen_place *p) {
    if (p->request < 0) return;
    ft__places_end(&g->run, p->index);
    ft__buf_free(&p->text);
    ft__free(&g->session->allocator, p->tokens);
    ft__free(&g->session->allocator, p->logprobs);
    p->request = -1;
}

static ft_status ft__gen_finish(ft__gen *g, ft__gen_place *p, ft_finish finish) {
    ft_status status = ft__gen_tell(g, p, p->text.len);
    if (status) return status;
    ft_completion *c = &g->out[p->request];
    c->tokens = p->tokens;
    c->n_tokens = (int)p->n_tokens;
    c->text = p->text.data;
    c->text_len = p->text.len;
    c->finish = finish;
    c->logprobs = p->logprobs;
    p->tokens = NULL;
    p->logprobs = NULL;
    p->text.data = NULL;
    int request = p->request;
    ft__gen_release(g, p);
    if (!g->hooks || !g->hooks->done || g->hooks->done(g->hooks->user, request) == 0) return FT_OK;
    return ft__fail(g->err, FT_ERR_CANCELLED, NULL, "the progress callback asked to stop");
}

/* Takes the place's logits one token further. */
static ft_status ft__gen_step(ft__gen *g, ft__gen_place *p) {
    const ft_request *r = &g->requests[p->request];
    const ft_session *s = g->session;
    ft_draw draw = {r->row, r->variant_key, (uint32_t)(r->n_prompt + (int)p->n_tokens)};
    int token = ft_sample(p->logits, s->model->info.n_vocab, &r->sampling, &draw, g->scratch);
    if (ft__vocab_is_end(s->model->vocab, token)) return ft__gen_finish(g, p, FT_FINISH_END);
    size_t n_before = p->text.len, n_piece;
    const char *piece = ft__vocab_piece(s->model->vocab, token, &n_piece);
    ft__buf_add(&p->text, piece, n_piece);
    if (p->text.failed || !ft__grow(&s->allocator, (void **)&p->tokens, &p->cap_tokens, p->n_tokens + 1,
                                    sizeof *p->tokens))
        return ft__fail_memory(g->err);
    if (r->want_logprobs && !ft__grow(&s->allocator, (void **)&p->logprobs, &p->cap_logprobs, p->n_tokens + 1,
                                      sizeof *p->logprobs))
        return ft__fail_memory(g->err);
    if (r->want_logprobs) p->logprobs[p->n_tokens] = ft__logprob(p->logits, s->model->info.n_vocab, token);
    p->tokens[p->n_tokens++] = token;
    size_t stop = ft__gen_find_stop(&p->text, n_before, r);
    if (stop != SIZE_MAX) {
        p->text.len = stop;
        p->text.data[stop] = 0;
        return ft__gen_finish(g, p, FT_FINISH_STOP);
    }
    if ((int)p->n_tokens == r->max_tokens) return ft__gen_finish(g, p, FT_FINISH_LENGTH);
    return ft__gen_tell(g, p, p->text.len - ft__gen_held_back(&p->text, r));
}

/* What a place is fed: its prompt, as far as it is not there already, and then token by token. */
static ft_feed ft__gen_feed(const ft__gen *g, const ft__gen_place *p) {
    const ft_request *r = &g->requests[p->request];
    const int at = ft__places_n_tokens(&g->run, p->index);
    ft_feed feed = {g->run.items[p->index].sequence, r->prompt + at, r->n_prompt - at, p->logits, NULL};
    if (at < r->n_prompt) return feed;
    feed.tokens = p->tokens + p->n_tokens - 1;
    feed.n_tokens = 1;
    return feed;
}

/* One batch: what every place wants next. */
static ft_status ft__gen_round(ft__gen *g) {
    int n_feeds = 0;
    bool fits = true;
    ft_status status = FT_OK;
    ft__places_round(&g->run);
    for (int i = 0; i < g->n_places && !status; i++) {
        ft__gen_place *p = &g->places[i];
        if (p->request < 0 && g->n_taken < g->n_requests && fits) status = ft__gen_take(g, p, &fits);
        if (status || p->request < 0 || !ft__places_ready(&g->run, i)) continue;
        g->feeds[n_feeds++] = ft__gen_feed(g, p);
    }
    if (!status) status = ft_session_decode(g->session, g->feeds, n_feeds, g->err);
    for (int i = 0; i < g->n_places && !status; i++) {
        if (!g->run.items[i].fed) continue;
        ft__places_learn(&g->run, i, g->places[i].tokens);
        status = ft__gen_step(g, &g->places[i]);
    }
    return status;
}

static bool ft__gen_busy(const ft__gen *g) {
    for (int i = 0; i < g->n_places; i++)
        if (g->places[i].request >= 0) return true;
    return g->n_taken < g->n_requests;
}

static ft_status ft__gen_run(ft__gen *g, ft__arena *arena) {
    const size_t V = (size_t)g->session->model->info.n_vocab, n = (size_t)g->n_places;
    g->places = (ft__gen_place *)ft__arena_alloc(arena, n, sizeof *g->places);
    g->feeds = (ft_feed *)ft__arena_alloc(arena, n, sizeof *g->feeds);
    g->scratch = (float *)ft__arena_alloc(arena, V, sizeof(float));
    ft__places_init(&g->run, g->session, g->n_places, arena);
    for (size_t i = 0; i < n && g->places; i++) {
        g->places[i].index = (int)i;
        g->places[i].request = -1;
        g->places[i].logits = (float *)ft__arena_alloc(arena, V, sizeof(float));
    }
    ft_status status = arena->failed ? ft__fail_memory(g->err) : FT_OK;
    while (!status && ft__gen_busy(g)) status = ft__gen_round(g);
    return status;
}

ft_status ft_session_generate(ft_session *session, const ft_request *requests, int n_requests,
                              ft_completion *out, const ft_generate_hooks *hooks, ft_error *err) {
    ft__arena arena;
    ft__gen g;
    if (n_requests < 1) return FT_OK;
    memset(&g, 0, sizeof g);
    memset(out, 0, (size_t)n_requests * sizeof *out);
    g.session = session;
    g.n_requests = n_requests;
    g.out = out;
    g.hooks = hooks;
    g.err = err;
    g.n_places = n_requests < session->max_sequences ? n_requests : session->max_sequences;
    ft__arena_init(&arena, &session->allocator);
    ft_status status = ft__gen_prepare(&g, requests, &arena);
    if (!status) status = ft__gen_check(&g);
    if (!status) status = ft__gen_run(&g, &arena);
    for (int i = 0; i < g.n_places && g.places; i++) ft__gen_release(&g, &g.places[i]);
    if (status) ft_completions_free(session, out, n_requests);
    ft__arena_free(&arena);
    return status;
}

void ft_completions_free(ft_session *session, ft_completion *completions, int n) {
    for (int i = 0; i < n && completions; i++) {
        ft__free(&session->allocator, completions[i].tokens);
        ft__free(&session->allocator, completions[i].text);
        ft__free(&session->allocator, completions[i].logprobs);
        completions[i].tokens = NULL;
        completions[i].logprobs = NULL;
        completions[i].text = NULL;
    }
}
/* ---- end src/run/generate.c */
/* ---- begin src/run/info.c */
/* What a file is: one list of facts, as a page of text or as one JSON object. */

typedef struct ft__info {
    const char *path;
    ft__gguf file;
    ft__buf out;
    ft__json_writer json;
    bool as_json;
} ft__info;

/* ---- one fact */

static void ft__info_label(ft__info *i, const char *key) {
    if (i->as_json) ft__json_key(&i->json, key);
    else ft__buf_printf(&i->out, "%-18s", key);
}

static void ft__info_text(ft__info *i, const char *key, const char *text, size_t n) {
    ft__info_label(i, key);
    if (i->as_json) {
        ft__json_string(&i->json, text, n);
        return;
    }
    for (size_t k = 0; k < n; k++) /* a file's text may not steer the terminal */
        ft__buf_byte(&i->out, (unsigned char)text[k] < 32 || text[k] == 127 ? '?' : text[k]);
    ft__buf_byte(&i->out, '\n');
}

static void ft__info_number(ft__info *i, const char *key, uint64_t n) {
    ft__info_label(i, key);
    if (i->as_json) ft__json_number(&i->json, (double)n);
    else ft__buf_printf(&i->out, "%llu\n", (unsigned long long)n);
}

/* ---- facts from metadata: a key as it is, or one of the architecture's */

static void ft__info_key_text(ft__info *i, const char *label, const char *key) {
    ft__gguf_str text = {NULL, 0};
    if (ft__gguf_string(&i->file, key, &text, NULL) == FT_OK && text.data)
        ft__info_text(i, label, text.data, text.len);
}

static void ft__info_key_number(ft__info *i, const char *label, const char *key) {
    ft__gguf_str arch = {"", 0};
    char full[192];
    int64_t n = -1;
    ft__gguf_string(&i->file, "general.architecture", &arch, NULL);
    if (arch.len > 64) return;
    snprintf(full, sizeof full, "%.*s.%s", (int)arch.len, arch.data, key);
    if (ft__gguf_int(&i->file, full, 0, INT64_MAX, &n, NULL) == FT_OK && n >= 0)
        ft__info_number(i, label, (uint64_t)n);
}

static void ft__info_model(ft__info *i) {
    static const char *const keys[][2] = {
        {"layers", "block_count"}, {"embedding", "embedding_length"}, {"feed forward", "feed_forward_length"},
        {"heads", "attention.head_count"}, {"KV heads", "attention.head_count_kv"},
        {"experts", "expert_count"}, {"experts used", "expert_used_count"}, {"context", "context_length"}};
    for (size_t k = 0; k < FT__COUNT(keys); k++) ft__info_key_number(i, keys[k][0], keys[k][1]);
    ft__info_key_text(i, "tokenizer", "tokenizer.ggml.model");
    ft__info_key_text(i, "pre-tokenizer", "tokenizer.ggml.pre");
    const ft__gguf_kv *tokens = ft__gguf_key(&i->file, "tokenizer.ggml.tokens");
    if (tokens) ft__info_number(i, "vocabulary", tokens->count);
    const char *has = ft__gguf_key(&i->file, "tokenizer.chat_template") ? "yes" : "none";
    ft__info_text(i, "chat template", has, strlen(has));
}

static void ft__info_adapter(ft__info *i) {
    double alpha = 0;
    uint64_t lowest = 0, highest = 0;
    ft__gguf_float(&i->file, "adapter.lora.alpha", &alpha, NULL);
    for (size_t t = 0; t < i->file.n_tensors; t++) {
        const char *name = i->file.tensors[t].name;
        size_t n = strlen(name);
        uint64_t rank = i->file.tensors[t].ne[1];
        if (n < 7 || strcmp(name + n - 7, ".lora_a") != 0) continue;
        if (!lowest || rank < lowest) lowest = rank;
        if (rank > highest) highest = rank;
    }
    ft__info_key_text(i, "adapter", "adapter.type");
    ft__info_label(i, "alpha");
    if (i->as_json && ft__finite(alpha)) ft__json_number(&i->json, alpha);
    else if (i->as_json) ft__json_null(&i->json);
    else ft__buf_fixed(&i->out, alpha, 3), ft__buf_byte(&i->out, '\n');
    ft__info_number(i, "rank", highest);
    if (lowest != highest) ft__info_number(i, "lowest rank", lowest);
}

/* ---- tensors */

static void ft__info_types(ft__info *i) {
    uint64_t n_params = 0, params[FT__FORMATS] = {0}, bytes[FT__FORMATS] = {0};
    for (size_t t = 0; t < i->file.n_tensors; t++) {
        const ft__gguf_tensor *tensor = &i->file.tensors[t];
        uint64_t n = tensor->ne[0] * tensor->ne[1] * tensor->ne[2] * tensor->ne[3];
        n_params += n;
        params[tensor->type] += n;
        bytes[tensor->type] += tensor->size;
    }
    ft__info_number(i, "parameters", n_params);
    ft__info_number(i, "tensors", i->file.n_tensors);
    ft__info_label(i, "types");
    if (i->as_json) ft__json_begin(&i->json, '{');
    for (uint32_t id = 0, n = 0; id < FT__FORMATS; id++) {
        if (!params[id]) continue;
        const char *name = ft__format_find(id)->name;
        if (i->as_json) {
            ft__json_key(&i->json, name);
            ft__json_number(&i->json, (double)bytes[id]);
        } else {
            ft__buf_printf(&i->out, "%s%s ", n++ ? ", " : "", name);
            ft__buf_fixed(&i->out, 100.0 * (double)params[id] / (double)n_params, 1);
            ft__buf_text(&i->out, " %");
        }
    }
    if (i->as_json) ft__json_end(&i->json, '}');
    else ft__buf_byte(&i->out, '\n');
}

static void ft__info_tensors_json(ft__info *i) {
    ft__json_key(&i->json, "tensor list");
    ft__json_begin(&i->json, '[');
    for (size_t t = 0; t < i->file.n_tensors; t++) {
        const ft__gguf_tensor *tensor = &i->file.tensors[t];
        ft__json_begin(&i->json, '{');
        ft__json_key(&i->json, "name");
        ft__json_text(&i->json, tensor->name);
        ft__json_key(&i->json, "type");
        ft__json_text(&i->json, ft__format_find(tensor->type)->name);
        ft__json_key(&i->json, "shape");
        ft__json_begin(&i->json, '[');
        for (int d = 0; d < tensor->n_dims; d++) ft__json_number(&i->json, (double)tensor->ne[d]);
        ft__json_end(&i->json, ']');
        ft__json_end(&i->json, '}');
    }
    ft__json_end(&i->json, ']');
}

/* Whether this version can run it is found out by trying. */
static void ft__info_runs(ft__info *i, const ft_allocator *a) {
    ft_error why;
    ft_model_desc desc = {*a, i->file.n_tensors == 0, true, 0};
    char text[sizeof why.message + 8] = "yes";
    ft_model *m = ft_model_load(i->path, &desc, &why);
    if (!m) snprintf(text, sizeof text, "no: %s", why.message);
    else if (desc.vocab_only) snprintf(text, sizeof text, "no weights: a vocabulary alone");
    ft_model_free(m);
    ft__info_text(i, "runs", text, strlen(text));
}

static void ft__info_all(ft__info *i, const ft_allocator *a) {
    ft__gguf_str type = {"", 0};
    char digest[65], version[16];
    ft__gguf_string(&i->file, "general.type", &type, NULL);
    bool adapter = ft__text_equal(type.data, type.len, "adapter", 7);
    const char *kind = adapter ? "adapter" : i->file.n_tensors ? "model" : "vocabulary";
    snprintf(version, sizeof version, "GGUF v%u", (unsigned)i->file.version);
    ft__sha256_hex(i->file.file.data, i->file.file.size, digest);
    ft__info_text(i, "kind", kind, strlen(kind));
    ft__info_text(i, "format", version, strlen(version));
    ft__info_key_text(i, "name", "general.name");
    ft__info_key_text(i, "architecture", "general.architecture");
    if (adapter) ft__info_adapter(i);
    else ft__info_model(i);
    ft__info_types(i);
    ft__info_number(i, "bytes", i->file.file.size);
    ft__info_text(i, "sha256", digest, 64);
    if (!adapter) ft__info_runs(i, a);
}

ft_status ft_info(const char *path, bool json, ft_write_fn write, void *user, ft_error *err) {
    ft_allocator a = ft__allocator(NULL);
    ft__info i;
    memset(&i, 0, sizeof i);
    ft_status status = ft__gguf_open(&i.file, path, &a, err);
    if (status) return status;
    i.path = path;
    i.as_json = json;
    ft__buf_init(&i.out, &a);
    ft__json_writer_init(&i.json, &i.out, 2);
    if (json) ft__json_begin(&i.json, '{');
    ft__info_all(&i, &a);
    if (json) {
        ft__info_tensors_json(&i);
        ft__json_end(&i.json, '}');
        ft__buf_byte(&i.out, '\n');
    }
    if (i.out.failed) status = ft__fail_memory(err);
    else if (write(user, i.out.data, i.out.len) != 0)
        status = ft__fail(err, FT_ERR_CANCELLED, path, "the output was refused");
    ft__buf_free(&i.out);
    ft__gguf_close(&i.file);
    return status;
}

/* Row by row, so that a large tensor needs no memory of its size. */
static ft_status ft__info_decode(const ft__gguf_tensor *t, const ft__format *format, const ft_allocator *a,
                                 ft_write_fn write, void *user, ft_error *err) {
    const size_t n = (size_t)t->ne[0], row_bytes = n / format->n_elements * format->n_bytes;
    float *row = (float *)ft__alloc_zero(a, n, sizeof *row);
    ft_status status = row ? FT_OK : ft__fail_memory(err);
    for (uint64_t r = 0; r < t->ne[1] * t->ne[2] * t->ne[3] && !status; r++) {
        format->decode(t->data + (size_t)r * row_bytes, n, row);
        if (write(user, (const char *)row, n * sizeof *row) != 0)
            status = ft__fail(err, FT_ERR_CANCELLED, t->name, "the output was refused");
    }
    ft__free(a, row);
    return status;
}

ft_status ft_info_tensor(const char *path, const char *tensor, ft_write_fn write, void *user,
                         ft_error *err) {
    ft_allocator a = ft__allocator(NULL);
    ft__gguf g;
    ft_status status = ft__gguf_open(&g, path, &a, err);
    if (status) return status;
    const ft__gguf_tensor *t = ft__gguf_find(&g, tensor);
    const ft__format *format = t ? ft__format_find(t->type) : NULL;
    if (!t) status = ft__fail(err, FT_ERR_NOT_FOUND, path, "there is no tensor \"%s\"", tensor);
    else if (!format->decode)
        status = ft__fail(err, FT_ERR_UNSUPPORTED, path, "%s: type %s is not in this version", tensor, format->name);
    else status = ft__info_decode(t, format, &a, write, user, err);
    ft__gguf_close(&g);
    return status;
}
/* ---- end src/run/info.c */
/* ---- begin src/run/files.c */
/* Whole files, and ids written as text, in one call. */

char *ft_read_file(const char *path, size_t *n_bytes, ft_error *err) {
    ft_allocator a = ft__allocator(NULL);
    char *data;
    return ft__read_file(path, &a, &data, n_bytes, err) == FT_OK ? data : NULL;
}

static ft_status ft__files_line(const ft_model *model, const char *text, size_t n_bytes, unsigned flags,
                                ft__arena *arena, ft__buf *line, ft_error *err) {
    size_t n, cap = 3 * n_bytes + 3;
    int32_t *tokens = (int32_t *)ft__arena_alloc(arena, cap, sizeof *tokens);
    if (!tokens) return ft__fail_memory(err);
    ft_status status = ft_tokenize(model, text, n_bytes, flags, tokens, cap, &n, err);
    if (status) return status;
    ft__buf_byte(line, '[');
    for (size_t i = 0; i < n; i++) ft__buf_printf(line, "%s%d", i ? "," : "", (int)tokens[i]);
    ft__buf_text(line, "]\n");
    return line->failed ? ft__fail_memory(err) : FT_OK;
}

ft_status ft_write_tokens(const ft_model *model, const char *text, size_t n_bytes, unsigned flags,
                          ft_write_fn write, void *user, ft_error *err) {
    ft__arena arena;
    ft__buf line;
    ft__arena_init(&arena, &model->allocator);
    ft__buf_init(&line, &model->allocator);
    ft_status status = ft__files_line(model, text, n_bytes, flags, &arena, &line, err);
    if (!status && write(user, line.data, line.len) != 0)
        status = ft__fail(err, FT_ERR_CANCELLED, NULL, "the output was refused");
    ft__buf_free(&line);
    ft__arena_free(&arena);
    return status;
}

/* One row, in an arena of its own; *end is set after the last. */
static ft_status ft__files_row(const ft_model *model, ft__jsonl *rows, ft__arena *arena, unsigned flags,
                               ft_write_fn write, void *user, bool *end, ft_error *err) {
    char where[384];
    ft__json *row;
    ft_status status = ft__jsonl_next(rows, arena, &row, err);
    *end = !row;
    if (status || !row) return status;
    const ft__json *text = ft__json_get(row, "text");
    if (text && text->type == FT__JSON_STRING)
        return ft_write_tokens(model, text->text, text->text_len, flags, write, user, err);
    snprintf(where, sizeof where, "%s:%u", rows->name, (unsigned)rows->line);
    return ft__fail(err, FT_ERR_DATA, where, "\"text\" must be a string, found %s",
                    text ? ft__json_type_name(text->type) : "nothing");
}

ft_status ft_write_tokens_of_rows(const ft_model *model, const char *path, unsigned flags,
                                  ft_write_fn write, void *user, ft_error *err) {
    char *data;
    size_t n;
    ft__jsonl rows;
    bool end = false;
    ft_status status = ft__read_file(path, &model->allocator, &data, &n, err);
    if (status) return status;
    ft__jsonl_init(&rows, data, n, path);
    while (!status && !end) {
        ft__arena arena;
        ft__arena_init(&arena, &model->allocator);
        status = ft__files_row(model, &rows, &arena, flags, write, user, &end, err);
        ft__arena_free(&arena);
    }
    ft__free(&model->allocator, data);
    return status;
}

/* A number at *p, not negative or with one minus; moves *p past it. */
static bool ft__files_id(const char **p, int32_t *id) {
    bool minus = **p == '-';
    int64_t value = 0;
    const char *digits = *p += minus;
    for (; **p >= '0' && **p <= '9' && value <= INT32_MAX; ++*p) value = value * 10 + (**p - '0');
    *id = (int32_t)(minus ? -value : value);
    return *p > digits && value <= INT32_MAX;
}

static bool ft__files_ids(const char *p, int32_t *ids, int *n) {
    static const char blank[] = " \t\r\n";
    for (*n = 0, p += strspn(p, blank); *p; p += strspn(p, blank)) {
        if (*n && *p == ',') p += 1 + strspn(p + 1, blank);
        if (!ft__files_id(&p, &ids[(*n)++]) || (*p && !strchr(", \t\r\n", *p))) return false;
    }
    return *n > 0;
}

int32_t *ft_read_ids(const char *list, int *n, ft_error *err) {
    size_t size;
    char *file = list[0] == '@' ? ft_read_file(list + 1, &size, err) : NULL;
    if (list[0] == '@' && !file) return NULL;
    const char *text = file ? file : list;
    int32_t *ids = (int32_t *)malloc((strlen(text) / 2 + 2) * sizeof *ids);
    bool ok = ids && ft__files_ids(text, ids, n);
    if (!ids) ft__fail_memory(err);
    else if (!ok)
        ft__fail(err, FT_ERR_ARGUMENT, file ? list + 1 : "ids", "found \"%.60s\", expected ids like 1,2,3", text);
    if (!ok) free(ids);
    free(file);
    return ok ? ids : NULL;
}
/* ---- end src/run/files.c */
/* ---- begin src/run/bench.c */
/* How fast a model runs here, and how far that is from what the machine allows.

     prompts   are bound by multiplications: the ceiling is the best integer dot product instruction
               that the machine has, on registers alone
     decoding  reads every weight once a step: the ceiling is a sum over a buffer that no cache holds

   A shared machine changes its speed by the second.  So both ceilings are measured between the timed
   steps, on as many threads, and a share is the median of ratios that were taken at the same time. */

#include <sys/resource.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

enum {
    FT__BENCH_MAX_BATCHES = 16, FT__BENCH_MAX_REPEATS = 99,
    FT__BENCH_BATCH_PROMPT = 128,          /* tokens of each sequence before a batch decodes */
    FT__BENCH_WARM_STEPS = 4,
    FT__BENCH_PATIENCE = 60,               /* seconds after which a row begins no further repetition */
    FT__BENCH_PROBES = 8,                  /* looks at the ceilings during a repetition */
    FT__BENCH_READ_BYTES = 512 << 20,
    FT__BENCH_READ_PART = 4 << 20,         /* bytes that one thread reads at a time */
    FT__BENCH_MULTIPLY_TURNS = 4000000
};

/* ---- what the machine can do */

/* Reads n bytes, a multiple of 256.  The prefetch reaches over the ends of pages, where the hardware's
   own stops.  A macro, as an inline function would lose the target's vector registers. */
typedef uint64_t ft__bench_wide __attribute__((vector_size(64), may_alias));
#define FT__BENCH_READ(bytes, n)                                                                   \
    do {                                                                                           \
        const ft__bench_wide *at = (const ft__bench_wide *)(const void *)(bytes);                  \
        const ft__bench_wide *end = at + (n) / sizeof *at;                                         \
        ft__bench_wide a = *at, b = a, c = a, d = a;                                               \
        for (; at < end; at += 4) {                                                                \
            for (int line = 0; line < 4; line++) __builtin_prefetch(at + 8 + line);                \
            a += at[0], b += at[1], c += at[2], d += at[3];                                        \
        }                                                                                          \
        __asm__ volatile("" : : "m"(a), "m"(b), "m"(c), "m"(d));                                   \
    } while (0)

/* One way to multiply and to read; loops in assembly are the same at every optimisation. */
typedef struct ft__bench_unit {
    const char *name;
    int macs; /* products of int8 added up per turn */
    bool (*present)(void);
    void (*multiply)(long turns);
    void (*read)(const uint8_t *bytes, size_t n);
} ft__bench_unit;

/* Twelve independent sums: more than latency times units of any of these machines. */
#define FT__BENCH_TWELVE(X)                                                                        \
    X("0") X("1") X("2") X("3") X("4") X("5") X("6") X("7") X("8") X("9") X("10") X("11")

#if defined(__x86_64__)
#define FT__BENCH_REGISTERS                                                                        \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",       \
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc"
#define FT__BENCH_LOOP(X)                                                                          \
    __asm__ volatile("1:\n\t" FT__BENCH_TWELVE(X) "dec %0\n\tjnz 1b\n\tvzeroupper"                 \
                     : "+r"(turns) : : FT__BENCH_REGISTERS)

static bool ft__bench_has_avx2(void) { return __builtin_cpu_supports("avx2"); }

static void ft__bench_multiply_avx2(long turns) {
#define FT__BENCH_STEP(sum)                                                                        \
    "vpmaddubsw %%ymm14, %%ymm15, %%ymm12\n\tvpmaddwd %%ymm12, %%ymm13, %%ymm12\n\t"               \
    "vpaddd %%ymm12, %%ymm" sum ", %%ymm" sum "\n\t"
    FT__BENCH_LOOP(FT__BENCH_STEP);
#undef FT__BENCH_STEP
}

__attribute__((target("avx2"))) static void ft__bench_read_avx2(const uint8_t *bytes, size_t n) {
    FT__BENCH_READ(bytes, n);
}

static bool ft__bench_has_vnni512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni");
}

static void ft__bench_multiply_vnni512(long turns) {
#define FT__BENCH_STEP(sum) "vpdpbusd %%zmm14, %%zmm15, %%zmm" sum "\n\t"
    FT__BENCH_LOOP(FT__BENCH_STEP);
#undef FT__BENCH_STEP
}

__attribute__((target("avx512f"))) static void ft__bench_read_avx512(const uint8_t *bytes, size_t n) {
    FT__BENCH_READ(bytes, n);
}

#if defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11
#define FT__BENCH_VNNI256
static bool ft__bench_has_vnni256(void) {
    unsigned a, b, c, d;
    return ft__bench_has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

static void ft__bench_multiply_vnni256(long turns) {
#define FT__BENCH_STEP(sum) "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm" sum "\n\t"
    FT__BENCH_LOOP(FT__BENCH_STEP);
#undef FT__BENCH_STEP
}
#endif

#elif defined(__aarch64__)
#define FT__BENCH_LOOP(X)                                                                          \
    __asm__ volatile("1:\n\t" FT__BENCH_TWELVE(X) "subs %0, %0, #1\n\tb.ne 1b"                     \
                     : "+r"(turns) : : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", \
                     "v10", "v11", "v12", "cc")

static bool ft__bench_has_dotprod(void) {
#if defined(__linux__)
    return getauxval(AT_HWCAP) >> 20 & 1;
#else
    return true; /* every 64-bit ARM that runs macOS */
#endif
}

static void ft__bench_multiply_dotprod(long turns) {
    /* sdot v<sum>.4s, v30.16b, v31.16b, as a number: old assemblers want to be asked for it */
#define FT__BENCH_STEP(sum) ".inst 0x4e9f97c0 + " sum "\n\t"
    FT__BENCH_LOOP(FT__BENCH_STEP);
#undef FT__BENCH_STEP
}

static bool ft__bench_has_neon(void) { return true; }

static void ft__bench_multiply_neon(long turns) {
#define FT__BENCH_STEP(sum)                                                                        \
    "smull v12.8h, v30.8b, v31.8b\n\tsmlal2 v12.8h, v30.16b, v31.16b\n\t"                          \
    "sadalp v" sum ".4s, v12.8h\n\t"
    FT__BENCH_LOOP(FT__BENCH_STEP);
#undef FT__BENCH_STEP
}
#endif

static bool ft__bench_has_c(void) { return true; }

static void ft__bench_multiply_c(long turns) {
    unsigned a = 1, b = 2, c = 3, d = 4, factor = 5;
    for (; turns > 0; turns--) {
        __asm__ volatile("" : "+r"(factor));
        a = a * factor + 1, b = b * factor + 1, c = c * factor + 1, d = d * factor + 1;
    }
    __asm__ volatile("" : : "r"(a), "r"(b), "r"(c), "r"(d));
}

static void ft__bench_read_c(const uint8_t *bytes, size_t n) { FT__BENCH_READ(bytes, n); }

/* Best first. */
static const ft__bench_unit ft__bench_units[] = {
#if defined(__x86_64__)
    {"AVX-512 VNNI", 12 * 64, ft__bench_has_vnni512, ft__bench_multiply_vnni512, ft__bench_read_avx512},
#if defined(FT__BENCH_VNNI256)
    {"AVX-VNNI", 12 * 32, ft__bench_has_vnni256, ft__bench_multiply_vnni256, ft__bench_read_avx2},
#endif
    {"AVX2", 12 * 32, ft__bench_has_avx2, ft__bench_multiply_avx2, ft__bench_read_avx2},
#elif defined(__aarch64__)
    {"NEON dotprod", 12 * 16, ft__bench_has_dotprod, ft__bench_multiply_dotprod, ft__bench_read_c},
    {"NEON", 12 * 16, ft__bench_has_neon, ft__bench_multiply_neon, ft__bench_read_c},
#endif
    {"scalar", 4, ft__bench_has_c, ft__bench_multiply_c, ft__bench_read_c},
};

#undef FT__BENCH_READ
#undef FT__BENCH_TWELVE
#undef FT__BENCH_REGISTERS
#undef FT__BENCH_LOOP
#undef FT__BENCH_VNNI256

/* ---- the state of a run */

/* One line of the result. */
typedef struct ft__bench_row {
    int batch, n_prompt, n_steps;        /* n_steps 0: the prompt itself is timed */
    double speed, int8_share, read_share; /* medians; tokens per second */
} ft__bench_row;

typedef struct ft__bench {
    const char *path;
    ft_bench_desc desc; /* with all defaults */
    ft_allocator allocator;
    ft__arena arena;
    const ft__bench_unit *unit;
    ft__pool *pool;
    uint8_t *buffer;    /* (FT__BENCH_READ_BYTES) */
    ft_model *model;
    ft_session *session;
    double layer_macs, head_macs, weight_bytes; /* per token; the embedding's row is neither */
    int32_t *tokens;    /* random ids, enough for all prompts of a batch */
    int32_t *next;      /* (largest batch) */
    ft_feed *feeds;     /* (largest batch) */
    float *logits;      /* (largest batch, n_vocab) */
    double probe_seconds[2]; /* multiplying, reading: since the repetition began */
    int n_probes;
    double *int8_peaks, *read_peaks; /* one per repetition */
    size_t n_peaks;
    ft__bench_row rows[1 + FT__BENCH_MAX_BATCHES]; /* the prompt, then the batches */
    int n_rows;
    double load_seconds, peak_bytes, int8_peak, read_peak;
} ft__bench;

static int ft__bench_compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static double ft__bench_median(double *values, size_t n) {
    qsort(values, n, sizeof *values, ft__bench_compare);
    return n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

/* Seconds since `start`, never 0. */
static double ft__bench_since(double start) {
    double seconds = ft__seconds() - start;
    return seconds > 1e-9 ? seconds : 1e-9;
}

/* The most memory that the process has had at any time. */
static double ft__bench_peak_bytes(void) {
    struct rusage usage;
    memset(&usage, 0, sizeof usage);
    getrusage(RUSAGE_SELF, &usage);
#if defined(__APPLE__)
    return (double)usage.ru_maxrss;
#else
    return 1024.0 * (double)usage.ru_maxrss;
#endif
}

/* ---- the ceilings */

static void ft__bench_multiply_part(void *user, int part) {
    (void)part;
    ((const ft__bench *)user)->unit->multiply(FT__BENCH_MULTIPLY_TURNS);
}

static void ft__bench_read_part(void *user, int part) {
    const ft__bench *b = (const ft__bench *)user;
    b->unit->read(b->buffer + (size_t)part * FT__BENCH_READ_PART, FT__BENCH_READ_PART);
}

/* Real pages: untouched ones would all be one page of zeros. */
static void ft__bench_touch_part(void *user, int part) {
    const ft__bench *b = (const ft__bench *)user;
    memset(b->buffer + (size_t)part * FT__BENCH_READ_PART, 1 + part % 255, FT__BENCH_READ_PART);
}

static void ft__bench_wake_part(void *user, int part) { (void)user, (void)part; }

/* One look at both ceilings. */
static void ft__bench_probe(ft__bench *b) {
    ft__pool_run(b->pool, ft__bench_wake_part, b, b->desc.threads);
    double start = ft__seconds();
    ft__pool_run(b->pool, ft__bench_multiply_part, b, b->desc.threads);
    b->probe_seconds[0] += ft__bench_since(start);
    start = ft__seconds();
    ft__pool_run(b->pool, ft__bench_read_part, b, FT__BENCH_READ_BYTES / FT__BENCH_READ_PART);
    b->probe_seconds[1] += ft__bench_since(start);
    b->n_probes++;
}

static void ft__bench_probe_begin(ft__bench *b) {
    b->probe_seconds[0] = b->probe_seconds[1] = 0;
    b->n_probes = 0;
    ft__bench_probe(b);
}

/* Closes a repetition's looks at the ceilings and keeps what they were. */
static void ft__bench_probe_end(ft__bench *b, double *int8_peak, double *read_peak) {
    ft__bench_probe(b);
    double macs = (double)b->unit->macs * (double)FT__BENCH_MULTIPLY_TURNS * b->desc.threads;
    *int8_peak = b->int8_peaks[b->n_peaks] = macs * b->n_probes / b->probe_seconds[0];
    *read_peak = b->read_peaks[b->n_peaks++] =
        (double)FT__BENCH_READ_BYTES * b->n_probes / b->probe_seconds[1];
}

/* ---- speed */

static ft_feed ft__bench_feed(const ft__bench *b, int i, const int32_t *tokens, int n) {
    ft_feed feed = b->feeds[i];
    feed.tokens = tokens;
    feed.n_tokens = n;
    feed.last_logits = b->logits + (size_t)i * (size_t)b->model->info.n_vocab;
    return feed;
}

/* Greedy: the batch's logits become its next tokens. */
static void ft__bench_pick(ft__bench *b, int batch) {
    const int n_vocab = b->model->info.n_vocab;
    for (int i = 0; i < batch; i++)
        b->next[i] = ft_sample(b->logits + (size_t)i * (size_t)n_vocab, n_vocab, NULL, NULL, NULL);
}

static ft_status ft__bench_steps(ft__bench *b, int batch, int n_steps, double *seconds, ft_error *err) {
    ft_status status = FT_OK;
    int between = (n_steps + FT__BENCH_PROBES - 1) / FT__BENCH_PROBES;
    for (int i = 0; i < batch; i++) b->feeds[i] = ft__bench_feed(b, i, &b->next[i], 1);
    *seconds = 0;
    for (int step = 0; step < n_steps && !status; step++) {
        double start = ft__seconds();
        status = ft_session_decode(b->session, b->feeds, batch, err);
        if (!status) ft__bench_pick(b, batch);
        *seconds += ft__bench_since(start);
        if (step % between == between - 1) ft__bench_probe(b);
    }
    return status;
}

/* Fresh sequences, their prompts, then n_steps tokens each; *seconds of the steps, or of the prompts where
   there are no steps. */
static ft_status ft__bench_once(ft__bench *b, int batch, int n_prompt, int n_steps, double *seconds,
                                ft_error *err) {
    ft_status status = FT_OK;
    int n_open = 0;
    memset(b->feeds, 0, (size_t)batch * sizeof *b->feeds);
    while (n_open < batch && !status) {
        status = ft_session_open(b->session, 0, &b->feeds[n_open].sequence, err);
        if (!status) n_open++;
    }
    for (int i = 0; i < n_open; i++) /* no two prompts alike: nothing can be shared */
        b->feeds[i] = ft__bench_feed(b, i, b->tokens + (size_t)i * (size_t)n_prompt, n_prompt);
    double start = ft__seconds();
    if (!status) status = ft_session_decode(b->session, b->feeds, batch, err);
    *seconds = ft__bench_since(start);
    if (!status) ft__bench_pick(b, batch);
    if (!status && n_steps) status = ft__bench_steps(b, batch, n_steps, seconds, err);
    for (int i = 0; i < n_open; i++) ft_session_close(b->session, b->feeds[i].sequence);
    return status;
}

static ft_status ft__bench_measure(ft__bench *b, ft__bench_row *row, ft_error *err) {
    double speed[FT__BENCH_MAX_REPEATS], int8_share[FT__BENCH_MAX_REPEATS], read_share[FT__BENCH_MAX_REPEATS];
    double seconds, int8_peak, read_peak, macs = b->layer_macs + (row->n_steps ? b->head_macs : 0);
    int warm = row->n_steps < FT__BENCH_WARM_STEPS ? row->n_steps : FT__BENCH_WARM_STEPS;
    double start = ft__seconds();
    size_t n = 0;
    ft_status status = ft__bench_once(b, row->batch, row->n_prompt, warm, &seconds, err);
    while (!status && (int)n < b->desc.repeats &&
           (n == 0 || ft__bench_since(start) < (double)FT__BENCH_PATIENCE)) {
        ft__bench_probe_begin(b);
        status = ft__bench_once(b, row->batch, row->n_prompt, row->n_steps, &seconds, err);
        ft__bench_probe_end(b, &int8_peak, &read_peak);
        speed[n] = (double)row->batch * (row->n_steps ? row->n_steps : row->n_prompt) / seconds;
        int8_share[n] = speed[n] * macs / int8_peak;
        read_share[n] = speed[n] / row->batch * b->weight_bytes / read_peak;
        n++;
    }
    if (status) return status;
    row->speed = ft__bench_median(speed, n);
    row->int8_share = ft__bench_median(int8_share, n);
    row->read_share = ft__bench_median(read_share, n);
    return FT_OK;
}

/* ---- preparation */

static ft_status ft__bench_range(const char *field, int found, int lowest, int highest, ft_error *err) {
    if (found >= lowest && found <= highest) return FT_OK;
    return ft__fail(err, FT_ERR_ARGUMENT, field, "found %d, expected %d to %d", found, lowest, highest);
}

static ft_status ft__bench_defaults(ft__bench *b, const ft_bench_desc *given, ft_error *err) {
    static const int batches[] = {1, 8, 32};
    ft_bench_desc *d = &b->desc;
    if (given) *d = *given;
    if (!d->n_prompt) d->n_prompt = 512;
    if (!d->n_decode) d->n_decode = 128;
    if (!d->n_batches) d->batches = batches, d->n_batches = (int)FT__COUNT(batches);
    if (!d->threads) d->threads = ft__cpu_count();
    if (!d->repeats) d->repeats = 3;
    ft_status status = ft__bench_range("n_prompt", d->n_prompt, 1, 1 << 20, err);
    if (!status) status = ft__bench_range("n_decode", d->n_decode, 1, 1 << 20, err);
    if (!status) status = ft__bench_range("n_batches", d->n_batches, 1, FT__BENCH_MAX_BATCHES, err);
    if (!status) status = ft__bench_range("repeats", d->repeats, 1, FT__BENCH_MAX_REPEATS, err);
    for (int i = 0; i < d->n_batches && !status; i++)
        status = ft__bench_range("batch", d->batches[i], 1, 4096, err);
    for (int i = 0; i <= d->n_batches && !status; i++) {
        ft__bench_row *row = &b->rows[b->n_rows++];
        row->batch = i ? d->batches[i - 1] : 1;
        row->n_steps = i ? d->n_decode : 0;
        row->n_prompt = d->n_prompt;
        if (row->batch > 1 && row->n_prompt > FT__BENCH_BATCH_PROMPT) row->n_prompt = FT__BENCH_BATCH_PROMPT;
    }
    return status;
}

/* The threads, and the buffer.  It is there from first to last, so that its size can be taken off the
   peak of memory again. */
static ft_status ft__bench_machine(ft__bench *b, ft_error *err) {
    b->unit = ft__bench_units;
    while (!b->unit->present()) b->unit++;
    b->pool = ft__pool_create(b->desc.threads, &b->allocator, err);
    if (!b->pool) return err->code;
    b->buffer = (uint8_t *)ft__alloc_aligned(&b->allocator, FT__BENCH_READ_BYTES, 1);
    if (!b->buffer) return ft__fail_memory(err);
    ft__pool_run(b->pool, ft__bench_touch_part, b, FT__BENCH_READ_BYTES / FT__BENCH_READ_PART);
    return FT_OK;
}

/* Brings the file into the system's cache.  What is wrong with it, loading will say. */
static void ft__bench_warm_file(const ft__bench *b) {
    FILE *file = fopen(b->path, "rb");
    while (file && fread(b->buffer, 1, FT__BENCH_READ_PART, file) == FT__BENCH_READ_PART) {}
    if (file) fclose(file);
}

/* From the file to the first token's logits. */
static ft_status ft__bench_load(ft__bench *b, ft_error *err) {
    ft_model_desc model_desc;
    ft_session_desc desc;
    int32_t token = 0;
    ft_feed feed;
    memset(&model_desc, 0, sizeof model_desc);
    memset(&desc, 0, sizeof desc);
    memset(&feed, 0, sizeof feed);
    model_desc.allocator = b->allocator;
    desc.threads = b->desc.threads;
    desc.n_ctx = b->desc.n_prompt + b->desc.n_decode;
    ft__bench_warm_file(b);
    double start = ft__seconds();
    b->model = ft_model_load(b->path, &model_desc, err);
    b->session = b->model ? ft_session_create(b->model, &desc, err) : NULL;
    if (!b->session) return err->code;
    feed.tokens = &token;
    feed.n_tokens = 1;
    feed.last_logits = (float *)ft__arena_alloc(&b->arena, (size_t)b->model->info.n_vocab, sizeof(float));
    if (!feed.last_logits) return ft__fail_memory(err);
    ft_status status = ft_session_open(b->session, 0, &feed.sequence, err);
    if (!status) status = ft_session_decode(b->session, &feed, 1, err);
    b->load_seconds = ft__bench_since(start);
    if (!status) ft_session_close(b->session, feed.sequence);
    return status;
}

static void ft__bench_count(ft__bench *b, const ft__matrix *w, double part, double *macs) {
    if (!w->format) return;
    double weights = part * w->n_rows * w->n_cols;
    *macs += weights;
    b->weight_bytes += weights / w->format->n_elements * w->format->n_bytes;
}

/* What one token costs: all matrices, but of the experts only those that it uses. */
static void ft__bench_cost(ft__bench *b) {
    const ft_model *m = b->model;
    double used = m->info.n_experts ? (double)m->info.n_experts_used / m->info.n_experts : 0;
    for (int layer = 0; layer < m->info.n_layers; layer++) {
        const ft__layer *at = &m->layers[layer];
        for (int i = 0; i < FT__LAYER_MODULES; i++) ft__bench_count(b, &at->module[i].w, 1, &b->layer_macs);
        ft__bench_count(b, &at->router, 1, &b->layer_macs);
        for (int i = 0; i < 3; i++) ft__bench_count(b, &at->expert[i], used, &b->layer_macs);
    }
    ft__bench_count(b, &m->output.w, 1, &b->head_macs);
}

static ft_status ft__bench_room(ft__bench *b, ft_error *err) {
    const size_t n_vocab = (size_t)b->model->info.n_vocab;
    const size_t n_peaks = (size_t)b->n_rows * (size_t)b->desc.repeats;
    size_t n_tokens = 0, batch = 1;
    for (int i = 0; i < b->n_rows; i++) {
        size_t n = (size_t)b->rows[i].batch * (size_t)b->rows[i].n_prompt;
        if (n > n_tokens) n_tokens = n;
        if ((size_t)b->rows[i].batch > batch) batch = (size_t)b->rows[i].batch;
    }
    b->tokens = (int32_t *)ft__arena_alloc(&b->arena, n_tokens, sizeof *b->tokens);
    b->next = (int32_t *)ft__arena_alloc(&b->arena, batch, sizeof *b->next);
    b->feeds = (ft_feed *)ft__arena_alloc(&b->arena, batch, sizeof *b->feeds);
    b->logits = (float *)ft__arena_alloc(&b->arena, batch, n_vocab * sizeof *b->logits);
    b->int8_peaks = (double *)ft__arena_alloc(&b->arena, n_peaks, sizeof *b->int8_peaks);
    b->read_peaks = (double *)ft__arena_alloc(&b->arena, n_peaks, sizeof *b->read_peaks);
    if (b->arena.failed) return ft__fail_memory(err);
    for (size_t i = 0; i < n_tokens; i++)
        b->tokens[i] = (int32_t)(ft__random_unit(1, i, 0, 0) * (double)n_vocab);
    return FT_OK;
}

static ft_status ft__bench_all(ft__bench *b, ft_error *err) {
    double before = ft__bench_peak_bytes();
    ft_status status = ft__bench_machine(b, err);
    if (!status) status = ft__bench_load(b, err);
    if (!status) status = ft__bench_room(b, err);
    if (status) return status;
    ft__bench_cost(b);
    for (int i = 0; i < b->n_rows && !status; i++) status = ft__bench_measure(b, &b->rows[i], err);
    if (status) return status;
    b->int8_peak = ft__bench_median(b->int8_peaks, b->n_peaks);
    b->read_peak = ft__bench_median(b->read_peaks, b->n_peaks);
    b->peak_bytes = ft__bench_peak_bytes() - (double)FT__BENCH_READ_BYTES;
    if (b->peak_bytes < before) b->peak_bytes = before;
    return FT_OK;
}

/* ---- the result */

static void ft__bench_number(ft__json_writer *w, const char *key, double value) {
    ft__json_key(w, key);
    ft__json_number(w, value);
}

static void ft__bench_row_json(const ft__bench_row *row, ft__json_writer *w) {
    ft__json_begin(w, '{');
    if (row->n_steps) ft__bench_number(w, "batch", row->batch);
    else ft__bench_number(w, "n", row->n_prompt);
    ft__bench_number(w, "tokens_per_s", row->speed);
    ft__bench_number(w, "share_of_int8", row->int8_share);
    if (row->n_steps) ft__bench_number(w, "share_of_read", row->read_share);
    ft__json_end(w, '}');
}

static void ft__bench_json(const ft__bench *b, ft__buf *out) {
    ft__json_writer w;
    ft__json_writer_init(&w, out, 2);
    ft__json_begin(&w, '{');
    ft__json_key(&w, "prompt");
    ft__bench_row_json(&b->rows[0], &w);
    ft__json_key(&w, "decode");
    ft__json_begin(&w, '[');
    for (int i = 1; i < b->n_rows; i++) ft__bench_row_json(&b->rows[i], &w);
    ft__json_end(&w, ']');
    ft__bench_number(&w, "load_s", b->load_seconds);
    ft__bench_number(&w, "peak_rss_bytes", b->peak_bytes);
    ft__json_key(&w, "ceilings");
    ft__json_begin(&w, '{');
    ft__bench_number(&w, "int8_mac_per_s", b->int8_peak);
    ft__bench_number(&w, "read_bytes_per_s", b->read_peak);
    ft__json_end(&w, '}');
    ft__json_key(&w, "isa");
    ft__json_text(&w, ft__isa_name(b->model->kernels.isa));
    ft__bench_number(&w, "threads", b->desc.threads);
    ft__bench_number(&w, "weight_bytes_per_token", b->weight_bytes);
    ft__bench_number(&w, "mac_per_token", b->layer_macs + b->head_macs);
    ft__json_end(&w, '}');
    ft__buf_byte(out, '\n');
}

/* A number to the right of its column, then what it counts. */
static void ft__bench_column(ft__buf *out, double value, int decimals, int width, const char *unit) {
    size_t start = out->len;
    char digits[64] = "";
    ft__buf_fixed(out, value, decimals);
    if (out->failed) return;
    snprintf(digits, sizeof digits, "%s", out->data + start);
    out->len = start;
    ft__buf_printf(out, "%*s%s", width, digits, unit);
}

static void ft__bench_table(const ft__bench *b, ft__buf *out) {
    char label[32];
    ft__buf_printf(out, "%s, %s, threads: %d\n\n", b->path, ft__isa_name(b->model->kernels.isa),
                   b->desc.threads);
    ft__buf_printf(out, "%-22s%12s%14s%14s\n", "", "tokens/s", "of int8 peak", "of read peak");
    for (int i = 0; i < b->n_rows; i++) {
        const ft__bench_row *row = &b->rows[i];
        if (!row->n_steps) snprintf(label, sizeof label, "prompt of %d", row->n_prompt);
        else snprintf(label, sizeof label, "decode, batch %d", row->batch);
        ft__buf_printf(out, "%-22s", label);
        ft__bench_column(out, row->speed, 1, 12, "");
        ft__bench_column(out, 100 * row->int8_share, 1, 12, " %");
        if (row->n_steps) ft__bench_column(out, 100 * row->read_share, 1, 12, " %");
        ft__buf_byte(out, '\n');
    }
    ft__buf_printf(out, "\n%-22s", "load to first token");
    ft__bench_column(out, b->load_seconds, 3, 12, " s\n");
    ft__buf_printf(out, "%-22s", "peak memory");
    ft__bench_column(out, b->peak_bytes / 1e6, 0, 12, " MB\n");
    ft__buf_printf(out, "%-22s", "weights per token");
    ft__bench_column(out, b->weight_bytes / 1e6, 0, 12, " MB, ");
    ft__bench_column(out, (b->layer_macs + b->head_macs) / 1e6, 0, 0, " M products\n");
    ft__buf_printf(out, "%-22s", "int8 peak");
    ft__bench_column(out, b->int8_peak / 1e9, 1, 12, " G products/s, ");
    ft__buf_printf(out, "%s\n%-22s", b->unit->name, "read peak");
    ft__bench_column(out, b->read_peak / 1e9, 1, 12, " GB/s\n");
}

static ft_status ft__bench_write(const ft__bench *b, bool json, ft_write_fn write, void *user,
                                 ft_error *err) {
    ft__buf out;
    ft_status status = FT_OK;
    ft__buf_init(&out, &b->allocator);
    if (json) ft__bench_json(b, &out);
    else ft__bench_table(b, &out);
    if (out.failed) status = ft__fail_memory(err);
    else if (write(user, out.data, out.len) != 0)
        status = ft__fail(err, FT_ERR_CANCELLED, b->path, "the output was refused");
    ft__buf_free(&out);
    return status;
}

ft_status ft_bench(const char *path, const ft_bench_desc *desc, bool json, ft_write_fn write, void *user,
                   ft_error *err) {
    ft_error mine;
    ft__bench b;
    memset(&b, 0, sizeof b);
    b.path = path;
    b.allocator = ft__allocator(desc ? &desc->allocator : NULL);
    if (!err) err = &mine;
    ft__arena_init(&b.arena, &b.allocator);
    ft_status status = ft__bench_defaults(&b, desc, err);
    if (!status) status = ft__bench_all(&b, err);
    if (!status) status = ft__bench_write(&b, json, write, user, err);
    ft_session_free(b.session);
    ft_model_free(b.model);
    ft__pool_free(b.pool);
    ft__free_aligned(&b.allocator, b.buffer);
    ft__arena_free(&b.arena);
    return status;
}
/* ---- end src/run/bench.c */
/* ---- begin src/eval/regex.c */
/* Regular expressions that take time linear in the text, whatever the pattern: all states of the
   pattern are followed at once (K. Thompson, "Regular expression search algorithm", 1968), nothing
   is ever tried again.  That excludes back-references and look-around, and says so.

   The question is only whether there is a match.  So groups capture nothing, and lazy quantifiers
   are read and do the same as the others.  Otherwise the syntax and its meaning are Python's:
   characters are code points, \d \w \s and \b know Unicode, . is anything but a line feed, $ stands
   at the end or before a last line feed, { that begins no repeat is itself.  Ignoring case compares
   letters by their simple lower case (so the Kelvin sign is a k, and the final sigma is not a
   sigma).  An invalid byte is one character that only . and negated classes match.

   A pattern becomes a tree, the tree a program; counted repeats become copies. */
/* ---- begin src/eval/eval.h */
/* Floor 5: judging one answer.  Regular expressions, rows, texts, and the registry of evaluators,
   which the public API offers (ft_evaluator_*, ft_row_*, ft_evaluate).  This floor sees the public
   API and JSON, never tensors. */
#ifndef FT__EVAL_H
#define FT__EVAL_H


/* ---- regex: eval/regex.c.  Linear in the text; a compiled pattern never changes, any thread may
   use it. */
enum {
    FT__REGEX_IGNORE_CASE = 1,
    FT__REGEX_DOT_ALL = 2,   /* . is any character */
    FT__REGEX_MULTILINE = 4, /* ^ and $ at every line */
    FT__REGEX_WHOLE = 8      /* the match must be the whole text */
};
typedef struct ft__regex ft__regex;
FT__PRIV ft__regex *ft__regex_compile(const char *pattern, size_t n, unsigned flags,
                                      const ft_allocator *a, ft_error *err);
FT__PRIV void ft__regex_free(ft__regex *regex);
/* Takes scratch memory from the pattern's allocator; fails only without it. */
FT__PRIV ft_status ft__regex_search(const ft__regex *regex, const char *text, size_t n, bool *found,
                                    ft_error *err);

/* ---- row: eval/row.c */

struct ft_row {
    ft__arena arena;
    const ft__json *value; /* an object */
};
/* A field of the row; one that is null counts as absent: NULL. */
FT__PRIV const ft__json *ft__row_get(const ft_row *row, const char *field);

/* ---- text: eval/text.c.  Texts may hold NUL and invalid bytes. */

typedef struct ft__view {
    const char *text; /* never NULL */
    size_t n;
} ft__view;

/* Without white space (Python's) at both ends. */
FT__PRIV ft__view ft__text_strip(ft__view v);
/* Code points; an invalid byte counts as one. */
FT__PRIV size_t ft__text_chars(ft__view v);
/* What Python's split() gives. */
FT__PRIV size_t ft__text_words(ft__view v);
/* Is `part` in `whole`?  Takes linear time.  False: out of memory. */
FT__PRIV bool ft__text_contains(ft__view whole, ft__view part, const ft_allocator *a, bool *found);
/* The beginning of a text for messages: on one line, whole characters, "..." if it was cut. */
FT__PRIV const char *ft__text_excerpt(ft__view v, char out[64]);

/* The answer normalisation of SQuAD's evaluation script: lower case, no ASCII punctuation, no
   articles, single blanks.  Appended to `out`; look at out->failed. */
FT__PRIV void ft__squad_normalize(ft__view v, ft__buf *out);
/* A text's normalised tokens, sorted.  False: out of memory; free it in any case. */
typedef struct ft__squad {
    ft__buf text;     /* normalised; the tokens point into it */
    ft__view *tokens; /* (n_tokens) */
    size_t n_tokens;
} ft__squad;
FT__PRIV bool ft__squad_read(ft__squad *s, ft__view v, const ft_allocator *a);
FT__PRIV void ft__squad_free(ft__squad *s);
/* F1 of the two multisets; of two empty ones 1. */
FT__PRIV double ft__squad_f1(const ft__squad *x, const ft__squad *y);

#endif /* FT__EVAL_H */
/* ---- end src/eval/eval.h */

enum {
    FT__REGEX_MAX_CODE = 20000,   /* instructions: at most so many steps for a character */
    FT__REGEX_MAX_DEPTH = 200,    /* nested groups */
    FT__REGEX_NO_MAX = 0x7FFFFFFF /* a repeat without upper end */
};
#define FT__REGEX_NO_CHAR 0x7FFFFFFFu /* before the first and after the last character */

typedef enum ft__regex_op {
    FT__REGEX_CHAR,   /* x: the character (its lower case if case is ignored) */
    FT__REGEX_ANY,    /* anything */
    FT__REGEX_LINE,   /* anything but a line feed */
    FT__REGEX_CLASS,  /* x: index of the class */
    FT__REGEX_ASSERT, /* x: which */
    FT__REGEX_SPLIT,  /* x, y: go on at both */
    FT__REGEX_JUMP,   /* x */
    FT__REGEX_MATCH
} ft__regex_op;

typedef enum ft__regex_place {
    FT__REGEX_BEGIN_TEXT, FT__REGEX_END_TEXT, FT__REGEX_BEGIN_LINE, FT__REGEX_END_LINE,
    FT__REGEX_LAST_LINE_END, FT__REGEX_WORD_EDGE, FT__REGEX_NO_WORD_EDGE
} ft__regex_place;

typedef struct ft__regex_code {
    ft__regex_op op;
    uint32_t x, y;
} ft__regex_code;

/* Part of a class: a range, or (if `set` is not 0) characters by their Unicode class. */
typedef struct ft__regex_item {
    uint32_t low, high;
    uint32_t set; /* FT__CLASS_BITs and the two below */
    bool negated;
} ft__regex_item;
#define FT__REGEX_UNDERSCORE 0x10000u
#define FT__REGEX_SEPARATORS 0x20000u /* U+001C..001F, white space for Python */
#define FT__REGEX_WORD       (FT__CLASS_L | FT__CLASS_N | FT__REGEX_UNDERSCORE)
#define FT__REGEX_SPACE      (FT__CLASS_SPACE | FT__REGEX_SEPARATORS)

typedef struct ft__regex_class {
    size_t first, count; /* items */
    bool negated;
    uint32_t ascii[4];   /* the answers for U+0000..007F, a bit each */
} ft__regex_class;

struct ft__regex {
    ft_allocator allocator;
    unsigned flags;
    ft__regex_code *code;
    ft__regex_class *classes;
    ft__regex_item *items;
    size_t n_code, n_classes, n_items, cap_code, cap_classes, cap_items;
};

/* ---- pattern to tree */

typedef enum ft__regex_type {
    FT__REGEX_EMPTY, FT__REGEX_ONE, FT__REGEX_SEQUENCE, FT__REGEX_CHOICE, FT__REGEX_REPEAT
} ft__regex_type;

typedef struct ft__regex_node ft__regex_node;
struct ft__regex_node {
    ft__regex_type type;
    ft__regex_op op;       /* ONE */
    uint32_t x;            /* ONE */
    uint32_t min, max;     /* REPEAT */
    ft__regex_node *child; /* the parts, or what repeats; no part of a sequence is EMPTY */
    ft__regex_node *next;
};

typedef struct ft__regex_parser {
    const char *start, *p, *end;
    unsigned flags;
    int depth;
    ft__regex *regex;
    ft__arena arena; /* nodes */
    ft_error *err;
} ft__regex_parser;

static ft__regex_node *ft__regex_choice(ft__regex_parser *s);

/* All errors say where: the character of the pattern at `at`, counted from 1.  Returns NULL. */
static ft__regex_node *ft__regex_bad(ft__regex_parser *s, ft_status code, const char *at,
                                     const char *what) {
    size_t position = 1;
    for (const char *p = s->start; p < at; position++) ft__utf8_next(&p, s->end);
    ft__fail(s->err, code, "", "pattern, character %zu: %s", position, what);
    return NULL;
}

static ft__regex_node *ft__regex_wrong(ft__regex_parser *s, const char *at, const char *what) {
    return ft__regex_bad(s, FT_ERR_ARGUMENT, at, what);
}

static ft__regex_node *ft__regex_unsupported(ft__regex_parser *s, const char *at,
                                             const char *what) {
    return ft__regex_bad(s, FT_ERR_UNSUPPORTED, at, what);
}

static bool ft__regex_at(const ft__regex_parser *s, const char *text) {
    size_t n = strlen(text);
    return (size_t)(s->end - s->p) >= n && memcmp(s->p, text, n) == 0;
}

static bool ft__regex_skip(ft__regex_parser *s, const char *text) {
    if (!ft__regex_at(s, text)) return false;
    s->p += strlen(text);
    return true;
}

static ft__regex_node *ft__regex_node_new(ft__regex_parser *s, ft__regex_type type) {
    ft__regex_node *node = (ft__regex_node *)ft__arena_alloc(&s->arena, 1, sizeof *node);
    if (!node) ft__fail_memory(s->err);
    else node->type = type;
    return node;
}

static ft__regex_node *ft__regex_one(ft__regex_parser *s, ft__regex_op op, uint32_t x) {
    ft__regex_node *node = ft__regex_node_new(s, FT__REGEX_ONE);
    if (!node) return NULL;
    node->op = op;
    node->x = x;
    return node;
}

static bool ft__regex_item_has(const ft__regex_item *item, uint32_t c) {
    if (!item->set) return item->low <= c && c <= item->high;
    bool in = c != FT__BAD_UTF8 &&
              ((FT__CLASS_BIT(ft__char_class_of(c)) & item->set) != 0 ||
               ((item->set & FT__REGEX_UNDERSCORE) && c == '_') ||
               ((item->set & FT__REGEX_SEPARATORS) && c >= 0x1C && c <= 0x1F));
    return in != item->negated;
}

static bool ft__regex_class_find(const ft__regex *r, const ft__regex_class *k, uint32_t c) {
    bool any_case = (r->flags & FT__REGEX_IGNORE_CASE) && c != FT__BAD_UTF8;
    uint32_t lower = any_case ? ft__lower_char(c) : c, upper = any_case ? ft__upper_char(lower) : c;
    for (size_t i = k->first; i < k->first + k->count; i++) {
        const ft__regex_item *item = &r->items[i];
        if (ft__regex_item_has(item, c) || (lower != c && ft__regex_item_has(item, lower)) ||
            (upper != c && ft__regex_item_has(item, upper)))
            return !k->negated;
    }
    return k->negated;
}

static bool ft__regex_add_item(ft__regex_parser *s, ft__regex_item item) {
    ft__regex *r = s->regex;
    if (!ft__grow(&r->allocator, (void **)&r->items, &r->cap_items, r->n_items + 1, sizeof item)) {
        ft__fail_memory(s->err);
        return false;
    }
    r->items[r->n_items++] = item;
    return true;
}

/* A class of the items from `first` on. */
static ft__regex_node *ft__regex_add_class(ft__regex_parser *s, size_t first, bool negated) {
    ft__regex *r = s->regex;
    if (!ft__grow(&r->allocator, (void **)&r->classes, &r->cap_classes, r->n_classes + 1,
                  sizeof *r->classes)) {
        ft__fail_memory(s->err);
        return NULL;
    }
    ft__regex_class *k = &r->classes[r->n_classes];
    memset(k, 0, sizeof *k);
    k->first = first;
    k->count = r->n_items - first;
    k->negated = negated;
    for (uint32_t c = 0; c < 0x80; c++)
        if (ft__regex_class_find(r, k, c)) k->ascii[c / 32] |= 1u << c % 32;
    return ft__regex_one(s, FT__REGEX_CLASS, (uint32_t)r->n_classes++);
}

/* ---- escapes */

/* Between `least` and `most` hexadecimal digits. */
static bool ft__regex_hex(ft__regex_parser *s, int least, int most, uint32_t *value) {
    int n = 0;
    for (*value = 0; n < most && s->p < s->end; n++, s->p++) {
        char c = *s->p;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) break;
        *value = *value * 16 + (uint32_t)digit;
    }
    return n >= least;
}

/* \xHH, \x{H...}, \uHHHH: s->p stands behind the letter. */
static bool ft__regex_code_point(ft__regex_parser *s, char letter, uint32_t *value) {
    const char *at = s->p - 2;
    bool ok;
    if (letter == 'u') ok = ft__regex_hex(s, 4, 4, value);
    else if (!ft__regex_skip(s, "{")) ok = ft__regex_hex(s, 2, 2, value);
    else ok = ft__regex_hex(s, 1, 6, value) && ft__regex_skip(s, "}");
    if (!ok) ft__regex_wrong(s, at, "expected \\xHH, \\x{H...} or \\uHHHH with hexadecimal digits");
    else if (*value > 0x10FFFF || (*value >= 0xD800 && *value <= 0xDFFF)) {
        ft__regex_wrong(s, at,
                        "no character has this number; write those beyond \\uFFFF as \\x{...}");
        ok = false;
    }
    return ok;
}

/* \pL, \p{Lu}, \P{N}: s->p stands behind the letter. */
static bool ft__regex_property(ft__regex_parser *s, ft__regex_item *item) {
    static const struct {
        const char *name;
        uint32_t set;
    } properties[] = {
        {"L", FT__CLASS_L},                    {"Lu", FT__CLASS_BIT(FT__UNICODE_LU)},
        {"Ll", FT__CLASS_BIT(FT__UNICODE_LL)}, {"Lt", FT__CLASS_BIT(FT__UNICODE_LT)},
        {"Lm", FT__CLASS_BIT(FT__UNICODE_LM)}, {"Lo", FT__CLASS_BIT(FT__UNICODE_LO)},
        {"M", FT__CLASS_BIT(FT__UNICODE_M)},   {"N", FT__CLASS_N},
        {"Nd", FT__CLASS_BIT(FT__UNICODE_ND)}, {"P", FT__CLASS_BIT(FT__UNICODE_P)},
        {"S", FT__CLASS_BIT(FT__UNICODE_S)},   {"Z", FT__CLASS_BIT(FT__UNICODE_Z)},
        {"C", FT__CLASS_BIT(FT__UNICODE_C) | FT__CLASS_BIT(FT__UNICODE_CONTROL_SPACE)},
    };
    const char *at = s->p - 2, *name = s->p;
    size_t n = 1;
    if (ft__regex_skip(s, "{")) {
        name = s->p;
        while (s->p < s->end && *s->p != '}') s->p++;
        n = (size_t)(s->p - name);
    }
    if (s->p < s->end) s->p++; /* the one letter, or } */
    else n = 0;
    for (size_t i = 0; i < FT__COUNT(properties); i++)
        if (ft__text_equal(properties[i].name, strlen(properties[i].name), name, n)) {
            item->set = properties[i].set;
            return true;
        }
    ft__regex_unsupported(s, at, "known classes are \\p{L} Lu Ll Lt Lm Lo M N Nd P S Z C");
    return false;
}

/* An escape that means the same inside and outside of brackets; s->p is behind its backslash. */
static bool ft__regex_escape(ft__regex_parser *s, ft__regex_item *item) {
    static const char letters[] = "ntrfva", values[] = "\n\t\r\f\v\a";
    const char *at = s->p - 1;
    uint32_t c = s->p < s->end ? ft__utf8_next(&s->p, s->end) : FT__REGEX_NO_CHAR;
    memset(item, 0, sizeof *item);
    const char *letter = c < 0x80 && c ? strchr(letters, (int)c) : NULL;
    if (letter) c = (uint32_t)values[letter - letters];
    else if (c == 'd' || c == 'D') item->set = FT__CLASS_BIT(FT__UNICODE_ND);
    else if (c == 'w' || c == 'W') item->set = FT__REGEX_WORD;
    else if (c == 's' || c == 'S') item->set = FT__REGEX_SPACE;
    else if (c == 'p' || c == 'P') {
        if (!ft__regex_property(s, item)) return false;
    } else if (c == 'x' || c == 'u') {
        if (!ft__regex_code_point(s, (char)c, &c)) return false;
    } else if (c >= '0' && c <= '9') {
        ft__regex_unsupported(s, at, "back-references are not supported: would not be linear");
        return false;
    } else if (c == FT__REGEX_NO_CHAR || (c | 32) - 'a' < 26u || c > 0x7F) {
        ft__regex_wrong(s, at, "unknown escape");
        return false;
    }
    item->negated = item->set && c < 'a'; /* \D \W \S \P */
    item->low = item->high = c;
    return true;
}

/* ---- brackets */

/* One character or escape inside of brackets. */
static bool ft__regex_class_atom(ft__regex_parser *s, ft__regex_item *item) {
    const char *at = s->p;
    memset(item, 0, sizeof *item);
    if (ft__regex_skip(s, "\\b")) {
        item->low = item->high = 8;
        return true;
    }
    if (ft__regex_skip(s, "\\")) return ft__regex_escape(s, item);
    if (ft__regex_at(s, "[:")) {
        ft__regex_unsupported(s, at, "[:name:] is not supported: use \\p{L}, \\d, \\w or \\s");
        return false;
    }
    item->low = item->high = ft__utf8_next(&s->p, s->end);
    if (item->low == FT__BAD_UTF8) ft__regex_wrong(s, at, "invalid UTF-8");
    return item->low != FT__BAD_UTF8;
}

static ft__regex_node *ft__regex_brackets(ft__regex_parser *s) {
    const char *open = s->p++;
    bool negated = ft__regex_skip(s, "^");
    size_t first = s->regex->n_items;
    for (const char *begin = s->p; s->p == begin || !ft__regex_at(s, "]");) { /* []] holds a ] */
        const char *at = s->p;
        ft__regex_item item, last;
        if (s->p == s->end) return ft__regex_wrong(s, open, "this [ has no ]");
        if (!ft__regex_class_atom(s, &item)) return NULL;
        if (ft__regex_at(s, "-") && !ft__regex_at(s, "-]") && s->end - s->p > 1) {
            s->p++;
            if (!ft__regex_class_atom(s, &last)) return NULL;
            if (item.set || last.set) return ft__regex_wrong(s, at, "a class cannot end a range");
            if (last.high < item.low)
                return ft__regex_wrong(s, at, "the range is the wrong way round");
            item.high = last.high;
        } else if ((s->flags & FT__REGEX_IGNORE_CASE) && !item.set) {
            /* k's one capital is K to ft__upper_char: a class of the Kelvin sign would miss it */
            item.low = item.high = ft__lower_char(item.low);
        }
        if (!ft__regex_add_item(s, item)) return NULL;
    }
    s->p++;
    return ft__regex_add_class(s, first, negated);
}

/* ---- groups, repeats */

/* What stands behind "(": s->p is moved past its opening.  False: an error was given. */
static bool ft__regex_group_head(ft__regex_parser *s) {
    const char *at = s->p - 1;
    if (!ft__regex_skip(s, "?") || ft__regex_skip(s, ":")) return true;
    if (ft__regex_at(s, "=") || ft__regex_at(s, "!") || ft__regex_at(s, "<=") ||
        ft__regex_at(s, "<!"))
        ft__regex_unsupported(s, at, "look-around is not supported: would not be linear");
    else if (ft__regex_at(s, "P="))
        ft__regex_unsupported(s, at, "back-references are not supported: would not be linear");
    else if (ft__regex_skip(s, "P<") || ft__regex_skip(s, "<")) {
        while (s->p < s->end && *s->p != '>') s->p++; /* the name of a group has no use here */
        if (ft__regex_skip(s, ">")) return true;
        ft__regex_wrong(s, at, "the group's name has no end");
    } else
        ft__regex_unsupported(s, at, "after (? only :, <name> and, at the start of the pattern, "
                                     "the flags i s m are supported");
    return false;
}

static ft__regex_node *ft__regex_group(ft__regex_parser *s) {
    const char *open = s->p++;
    if (!ft__regex_group_head(s)) return NULL;
    if (++s->depth > FT__REGEX_MAX_DEPTH)
        return ft__regex_bad(s, FT_ERR_LIMIT, open, "groups are nested deeper than 200");
    ft__regex_node *node = ft__regex_choice(s);
    s->depth--;
    if (node && !ft__regex_skip(s, ")")) return ft__regex_wrong(s, open, "this ( has no )");
    return node;
}

static ft__regex_node *ft__regex_atom(ft__regex_parser *s) {
    static const struct {
        const char *text;
        ft__regex_place place;
    } places[] = {
        {"\\A", FT__REGEX_BEGIN_TEXT}, {"\\z", FT__REGEX_END_TEXT}, {"\\Z", FT__REGEX_END_TEXT},
        {"\\b", FT__REGEX_WORD_EDGE},  {"\\B", FT__REGEX_NO_WORD_EDGE},
    };
    const char *at = s->p;
    bool lines = (s->flags & FT__REGEX_MULTILINE) != 0;
    ft__regex_item item;
    for (size_t i = 0; i < FT__COUNT(places); i++)
        if (ft__regex_skip(s, places[i].text))
            return ft__regex_one(s, FT__REGEX_ASSERT, places[i].place);
    switch (*s->p) {
    case '(': return ft__regex_group(s);
    case '[': return ft__regex_brackets(s);
    case '.':
        s->p++;
        return ft__regex_one(s, s->flags & FT__REGEX_DOT_ALL ? FT__REGEX_ANY : FT__REGEX_LINE, 0);
    case '^':
        s->p++;
        return ft__regex_one(s, FT__REGEX_ASSERT,
                             lines ? FT__REGEX_BEGIN_LINE : FT__REGEX_BEGIN_TEXT);
    case '$':
        s->p++;
        return ft__regex_one(s, FT__REGEX_ASSERT,
                             lines ? FT__REGEX_END_LINE : FT__REGEX_LAST_LINE_END);
    case '\\':
        s->p++;
        if (!ft__regex_escape(s, &item)) return NULL;
        if (item.set) {
            size_t first = s->regex->n_items;
            return ft__regex_add_item(s, item) ? ft__regex_add_class(s, first, false) : NULL;
        }
        break;
    default:
        item.low = ft__utf8_next(&s->p, s->end);
        if (item.low == FT__BAD_UTF8) return ft__regex_wrong(s, at, "invalid UTF-8");
    }
    if (s->flags & FT__REGEX_IGNORE_CASE) item.low = ft__lower_char(item.low);
    return ft__regex_one(s, FT__REGEX_CHAR, item.low);
}

/* Digits, capped far above every limit; false if there are none. */
static bool ft__regex_number(ft__regex_parser *s, uint32_t *value) {
    const char *begin = s->p;
    for (*value = 0; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++)
        if (*value <= FT__REGEX_MAX_CODE) *value = *value * 10 + (uint32_t)(*s->p - '0');
    return s->p > begin;
}

/* Reads * + ? {m} {m,} {,n} {m,n} if one is there. */
static bool ft__regex_quantifier(ft__regex_parser *s, uint32_t *min, uint32_t *max) {
    const char *begin = s->p;
    *min = ft__regex_at(s, "+");
    *max = ft__regex_at(s, "?") ? 1 : FT__REGEX_NO_MAX;
    if (ft__regex_skip(s, "*") || ft__regex_skip(s, "+") || ft__regex_skip(s, "?")) return true;
    if (!ft__regex_at(s, "{") || ft__regex_at(s, "{}")) return false;
    s->p++;
    bool has_min = ft__regex_number(s, min);
    if (!ft__regex_skip(s, ",")) *max = *min;
    else if (!ft__regex_number(s, max)) *max = FT__REGEX_NO_MAX;
    else has_min = true;
    if (ft__regex_skip(s, "}") && (has_min || s->p[-2] == ',')) return true;
    s->p = begin;
    return false;
}

/* An atom with the quantifier that may follow it. */
static ft__regex_node *ft__regex_part(ft__regex_parser *s) {
    uint32_t min, max;
    const char *at = s->p;
    if (ft__regex_quantifier(s, &min, &max)) return ft__regex_wrong(s, at, "nothing to repeat");
    ft__regex_node *node = ft__regex_atom(s);
    at = s->p;
    if (!node || !ft__regex_quantifier(s, &min, &max)) return node;
    if (ft__regex_at(s, "+"))
        return ft__regex_unsupported(s, at, "possessive repeats are not supported");
    ft__regex_skip(s, "?");
    if (max < min) return ft__regex_wrong(s, at, "the repeat's maximum is below its minimum");
    if (min > FT__REGEX_MAX_CODE || (max > FT__REGEX_MAX_CODE && max != FT__REGEX_NO_MAX))
        return ft__regex_bad(s, FT_ERR_LIMIT, at, "the repeat's count is above 20000");
    if (node->type == FT__REGEX_EMPTY) return node;
    ft__regex_node *repeat = ft__regex_node_new(s, max ? FT__REGEX_REPEAT : FT__REGEX_EMPTY);
    if (!repeat) return NULL;
    repeat->min = min;
    repeat->max = max;
    repeat->child = node;
    return repeat;
}

static ft__regex_node *ft__regex_sequence(ft__regex_parser *s) {
    ft__regex_node *sequence = ft__regex_node_new(s, FT__REGEX_EMPTY);
    ft__regex_node **last = sequence ? &sequence->child : NULL;
    while (sequence && s->p < s->end && *s->p != '|' && *s->p != ')') {
        ft__regex_node *part = ft__regex_part(s);
        if (!part) return NULL;
        if (part->type == FT__REGEX_EMPTY) continue;
        sequence->type = FT__REGEX_SEQUENCE;
        *last = part;
        last = &part->next;
    }
    return sequence;
}

static ft__regex_node *ft__regex_choice(ft__regex_parser *s) {
    ft__regex_node *first = ft__regex_sequence(s), *last = first;
    if (!first || !ft__regex_at(s, "|")) return first;
    ft__regex_node *choice = ft__regex_node_new(s, FT__REGEX_CHOICE);
    if (!choice) return NULL;
    choice->child = first;
    while (ft__regex_skip(s, "|")) {
        last->next = ft__regex_sequence(s);
        last = last->next;
        if (!last) return NULL;
    }
    return choice;
}

/* (?i), (?ms) and so on, which stand before everything else. */
static void ft__regex_flags(ft__regex_parser *s) {
    static const char letters[] = "ism";
    static const unsigned flags[] = {FT__REGEX_IGNORE_CASE, FT__REGEX_DOT_ALL, FT__REGEX_MULTILINE};
    while (ft__regex_at(s, "(?")) {
        const char *p = s->p + 2, *letter;
        unsigned found = 0;
        while (p < s->end && *p && (letter = strchr(letters, *p)) != NULL)
            found |= flags[letter - letters], p++;
        if (!found || p == s->end || *p != ')') return;
        s->flags |= found;
        s->p = p + 1;
    }
}

/* ---- tree to program */

static bool ft__regex_emit(ft__regex_parser *s, ft__regex_op op, uint32_t x, uint32_t y) {
    ft__regex *r = s->regex;
    if (r->n_code == FT__REGEX_MAX_CODE) {
        ft__fail(s->err, FT_ERR_LIMIT, "",
                 "pattern: too large (more than %d steps with its repeats written out)",
                 FT__REGEX_MAX_CODE);
        return false;
    }
    if (!ft__grow(&r->allocator, (void **)&r->code, &r->cap_code, r->n_code + 1, sizeof *r->code)) {
        ft__fail_memory(s->err);
        return false;
    }
    ft__regex_code *code = &r->code[r->n_code++];
    code->op = op;
    code->x = x;
    code->y = y;
    return true;
}

static bool ft__regex_write(ft__regex_parser *s, const ft__regex_node *node);

/* a|b|c: split to a or on; a; jump to the end; split to b or on ... */
static bool ft__regex_write_choice(ft__regex_parser *s, const ft__regex_node *node) {
    ft__regex *r = s->regex;
    uint32_t open_jump = 0; /* the last jump to the end; its x is the one before it, plus 1 */
    for (const ft__regex_node *part = node->child; part; part = part->next) {
        uint32_t here = (uint32_t)r->n_code;
        if (!part->next) {
            if (!ft__regex_write(s, part)) return false;
            break;
        }
        if (!ft__regex_emit(s, FT__REGEX_SPLIT, here + 1, 0) || !ft__regex_write(s, part) ||
            !ft__regex_emit(s, FT__REGEX_JUMP, open_jump, 0))
            return false;
        open_jump = (uint32_t)r->n_code;
        r->code[here].y = open_jump;
    }
    while (open_jump) {
        ft__regex_code *jump = &r->code[open_jump - 1];
        open_jump = jump->x;
        jump->x = (uint32_t)r->n_code;
    }
    return true;
}

/* x{m,n}: m copies, then n - m times "split to x or the end; x".
   x{m,}:  m copies, split back to the last one or on.   x*: split to x or the end; x; jump back. */
static bool ft__regex_write_repeat(ft__regex_parser *s, const ft__regex_node *node) {
    ft__regex *r = s->regex;
    uint32_t here = (uint32_t)r->n_code;
    for (uint32_t i = 0; i < node->min; i++) {
        here = (uint32_t)r->n_code;
        if (!ft__regex_write(s, node->child)) return false;
    }
    if (node->max == FT__REGEX_NO_MAX && node->min)
        return ft__regex_emit(s, FT__REGEX_SPLIT, here, (uint32_t)r->n_code + 1);
    uint32_t first = (uint32_t)r->n_code, stride = 0;
    uint32_t copies = node->max == FT__REGEX_NO_MAX ? 1 : node->max - node->min;
    for (uint32_t i = 0; i < copies; i++) {
        here = (uint32_t)r->n_code;
        if (!ft__regex_emit(s, FT__REGEX_SPLIT, here + 1, 0) || !ft__regex_write(s, node->child))
            return false;
        stride = (uint32_t)r->n_code - here;
    }
    if (node->max == FT__REGEX_NO_MAX && !ft__regex_emit(s, FT__REGEX_JUMP, first, 0)) return false;
    for (uint32_t i = 0; i < copies; i++) r->code[first + i * stride].y = (uint32_t)r->n_code;
    return true;
}

/* Recursion is as deep as the groups are nested, times a few.  Every node but EMPTY writes
   something, so that this ends no later than the program is full. */
static bool ft__regex_write(ft__regex_parser *s, const ft__regex_node *node) {
    switch (node->type) {
    case FT__REGEX_EMPTY: break;
    case FT__REGEX_ONE: return ft__regex_emit(s, node->op, node->x, 0);
    case FT__REGEX_CHOICE: return ft__regex_write_choice(s, node);
    case FT__REGEX_REPEAT: return ft__regex_write_repeat(s, node);
    case FT__REGEX_SEQUENCE:
        for (const ft__regex_node *part = node->child; part; part = part->next)
            if (!ft__regex_write(s, part)) return false;
        break;
    }
    return true;
}

static bool ft__regex_build(ft__regex_parser *s) {
    ft__regex_flags(s);
    s->regex->flags = s->flags;
    ft__regex_node *root = ft__regex_choice(s);
    bool full = (s->flags & FT__REGEX_WHOLE) != 0;
    if (!root) return false;
    if (s->p < s->end) {
        ft__regex_wrong(s, s->p, "this ) has no (");
        return false;
    }
    return (!full || ft__regex_emit(s, FT__REGEX_ASSERT, FT__REGEX_BEGIN_TEXT, 0)) &&
           ft__regex_write(s, root) &&
           (!full || ft__regex_emit(s, FT__REGEX_ASSERT, FT__REGEX_END_TEXT, 0)) &&
           ft__regex_emit(s, FT__REGEX_MATCH, 0, 0);
}

FT__PRIV ft__regex *ft__regex_compile(const char *pattern, size_t n, unsigned flags,
                                      const ft_allocator *a, ft_error *err) {
    ft_allocator allocator = ft__allocator(a);
    ft__regex *regex = (ft__regex *)ft__alloc_zero(&allocator, 1, sizeof *regex);
    ft__regex_parser parser;
    if (!regex) {
        ft__fail_memory(err);
        return NULL;
    }
    regex->allocator = allocator;
    memset(&parser, 0, sizeof parser);
    parser.start = parser.p = pattern;
    parser.end = pattern + n;
    parser.flags = flags;
    parser.regex = regex;
    parser.err = err;
    ft__arena_init(&parser.arena, &allocator);
    bool ok = ft__regex_build(&parser);
    ft__arena_free(&parser.arena);
    if (ok) return regex;
    ft__regex_free(regex);
    return NULL;
}

FT__PRIV void ft__regex_free(ft__regex *regex) {
    if (!regex) return;
    ft_allocator allocator = regex->allocator;
    ft__free(&allocator, regex->code);
    ft__free(&allocator, regex->classes);
    ft__free(&allocator, regex->items);
    ft__free(&allocator, regex);
}

/* ---- search */

/* All of it is (n_code): places to start from, places that wait for a character, the turn in which
   an instruction was last reached, and those still to be looked at. */
typedef struct ft__regex_scratch {
    uint32_t *from, *waiting, *seen, *stack;
    size_t n_from, n_waiting;
    uint32_t turn;
} ft__regex_scratch;

static bool ft__regex_holds(uint32_t place, uint32_t before, uint32_t after, bool last) {
    const uint32_t none = FT__REGEX_NO_CHAR;
    switch ((ft__regex_place)place) {
    case FT__REGEX_BEGIN_TEXT: return before == none;
    case FT__REGEX_END_TEXT: return after == none;
    case FT__REGEX_BEGIN_LINE: return before == none || before == '\n';
    case FT__REGEX_END_LINE: return after == none || after == '\n';
    case FT__REGEX_LAST_LINE_END: return after == none || (after == '\n' && last);
    case FT__REGEX_WORD_EDGE: return ft__is_word(before) != ft__is_word(after);
    case FT__REGEX_NO_WORD_EDGE: return ft__is_word(before) == ft__is_word(after);
    }
    return false;
}

static bool ft__regex_eats(const ft__regex *r, const ft__regex_code *code, uint32_t c) {
    switch (code->op) {
    case FT__REGEX_CHAR:
        return c == code->x || ((r->flags & FT__REGEX_IGNORE_CASE) && c != FT__BAD_UTF8 &&
                                ft__lower_char(c) == code->x);
    case FT__REGEX_ANY: return true;
    case FT__REGEX_LINE: return c != '\n';
    case FT__REGEX_CLASS: {
        const ft__regex_class *k = &r->classes[code->x];
        if (c < 0x80) return (k->ascii[c / 32] >> c % 32 & 1) != 0;
        return ft__regex_class_find(r, k, c);
    }
    default: return false;
    }
}

/* Follows everything that needs no character from `pc` on, each instruction once a turn. */
static bool ft__regex_follow(const ft__regex *r, ft__regex_scratch *s, uint32_t pc, uint32_t before,
                             uint32_t after, bool last) {
    size_t n = 0;
    uint32_t next[2];
    if (s->seen[pc] == s->turn) return false;
    s->seen[pc] = s->turn;
    s->stack[n++] = pc;
    while (n) {
        const ft__regex_code *code = &r->code[pc = s->stack[--n]];
        int n_next = 0;
        switch (code->op) {
        case FT__REGEX_MATCH: return true;
        case FT__REGEX_SPLIT: next[n_next++] = code->y; next[n_next++] = code->x; break;
        case FT__REGEX_JUMP: next[n_next++] = code->x; break;
        case FT__REGEX_ASSERT:
            if (ft__regex_holds(code->x, before, after, last)) next[n_next++] = pc + 1;
            break;
        default: s->waiting[s->n_waiting++] = pc;
        }
        for (int i = 0; i < n_next; i++) {
            if (s->seen[next[i]] == s->turn) continue;
            s->seen[next[i]] = s->turn;
            s->stack[n++] = next[i];
        }
    }
    return false;
}

static bool ft__regex_run(const ft__regex *r, ft__regex_scratch *s, const char *text, size_t n) {
    const char *p = text, *end = text + n;
    bool anchored = r->code[0].op == FT__REGEX_ASSERT && r->code[0].x == FT__REGEX_BEGIN_TEXT;
    uint32_t before = FT__REGEX_NO_CHAR, after;
    for (;; before = after) {
        bool at_end = p == end;
        after = at_end ? FT__REGEX_NO_CHAR : ft__utf8_next(&p, end);
        if (++s->turn == 0) { /* after 4 G characters */
            memset(s->seen, 0, r->n_code * sizeof *s->seen);
            s->turn = 1;
        }
        s->n_waiting = 0;
        for (size_t i = 0; i < s->n_from; i++)
            if (ft__regex_follow(r, s, s->from[i], before, after, p == end)) return true;
        /* a match may begin here, too */
        if (ft__regex_follow(r, s, 0, before, after, p == end)) return true;
        if (at_end || (anchored && s->n_waiting == 0)) return false;
        s->n_from = 0;
        for (size_t i = 0; i < s->n_waiting; i++)
            if (ft__regex_eats(r, &r->code[s->waiting[i]], after))
                s->from[s->n_from++] = s->waiting[i] + 1;
    }
}

FT__PRIV ft_status ft__regex_search(const ft__regex *regex, const char *text, size_t n, bool *found,
                                    ft_error *err) {
    ft__regex_scratch scratch;
    uint32_t *memory =
        (uint32_t *)ft__alloc_zero(&regex->allocator, 4 * regex->n_code, sizeof *memory);
    if (!memory) return ft__fail_memory(err);
    memset(&scratch, 0, sizeof scratch);
    scratch.from = memory;
    scratch.waiting = memory + regex->n_code;
    scratch.seen = memory + 2 * regex->n_code;
    scratch.stack = memory + 3 * regex->n_code;
    *found = ft__regex_run(regex, &scratch, text, n);
    ft__free(&regex->allocator, memory);
    return FT_OK;
}

#undef FT__REGEX_NO_CHAR
#undef FT__REGEX_UNDERSCORE
#undef FT__REGEX_SEPARATORS
#undef FT__REGEX_WORD
#undef FT__REGEX_SPACE
/* ---- end src/eval/regex.c */
/* ---- begin src/eval/row.c */
/* A row of data: one JSON object, kept as it was parsed. */

FT__PRIV const ft__json *ft__row_get(const ft_row *row, const char *field) {
    const ft__json *value = ft__json_get(row->value, field);
    return value && value->type != FT__JSON_NULL ? value : NULL;
}

ft_row *ft_row_parse(const char *json, size_t n_bytes, const ft_allocator *allocator,
                     ft_error *err) {
    ft_allocator a = ft__allocator(allocator);
    ft_row *row = (ft_row *)ft__alloc_zero(&a, 1, sizeof *row);
    ft__json *value = NULL;
    if (!row) {
        ft__fail_memory(err);
        return NULL;
    }
    ft__arena_init(&row->arena, &a);
    ft_status status = ft__json_parse(json, n_bytes, "row", 1, &row->arena, &value, err);
    if (status == FT_OK && value->type != FT__JSON_OBJECT)
        status = ft__fail(err, FT_ERR_DATA, "row", "a row must be an object, found %s",
                          ft__json_type_name(value->type));
    row->value = value;
    if (status == FT_OK) return row;
    ft_row_free(row);
    return NULL;
}

void ft_row_free(ft_row *row) {
    if (!row) return;
    ft_allocator a = row->arena.allocator;
    ft__arena_free(&row->arena);
    ft__free(&a, row);
}
/* ---- end src/eval/row.c */
/* ---- begin src/eval/text.c */
/* What the text evaluators measure with.  White space, words and lower case are Python's, because
   the scripts whose numbers we reproduce are written in it. */

static ft__view ft__text_view(const char *text, size_t n) {
    ft__view v;
    v.text = n ? text : "";
    v.n = n;
    return v;
}

/* Where the last character of a text that is not empty begins.  A byte that belongs to no character
   is one by itself. */
static const char *ft__text_last(ft__view v) {
    const char *end = v.text + v.n;
    for (size_t back = 2; back <= 4 && back <= v.n; back++) {
        const char *p = end - back;
        if (ft__utf8_next(&p, end) != FT__BAD_UTF8 && p == end) return end - back;
    }
    return end - 1;
}

FT__PRIV ft__view ft__text_strip(ft__view v) {
    const char *begin = v.text, *end = v.text + v.n;
    for (const char *p = begin; p < end && ft__is_space(ft__utf8_next(&p, end));) begin = p;
    while (begin < end) {
        const char *last = ft__text_last(ft__text_view(begin, (size_t)(end - begin))), *p = last;
        if (!ft__is_space(ft__utf8_next(&p, end))) break;
        end = last;
    }
    return ft__text_view(begin, (size_t)(end - begin));
}

FT__PRIV size_t ft__text_chars(ft__view v) {
    size_t count = 0;
    for (const char *p = v.text, *end = p + v.n; p < end; count++) ft__utf8_next(&p, end);
    return count;
}

FT__PRIV size_t ft__text_words(ft__view v) {
    size_t count = 0;
    bool inside = false;
    for (const char *p = v.text, *end = p + v.n; p < end;) {
        bool word = !ft__is_space(ft__utf8_next(&p, end));
        if (word && !inside) count++;
        inside = word;
    }
    return count;
}

/* D. Knuth, J. Morris, V. Pratt, "Fast pattern matching in strings", 1977.  border[i] is the length
   of the longest proper prefix of `part` that part[0..i] ends with. */
FT__PRIV bool ft__text_contains(ft__view whole, ft__view part, const ft_allocator *a, bool *found) {
    *found = part.n == 0;
    if (part.n == 0 || part.n > whole.n) return true;
    size_t *border = (size_t *)ft__alloc_zero(a, part.n, sizeof *border);
    if (!border) return false;
    for (size_t i = 1, k = 0; i < part.n; border[i++] = k) {
        while (k && part.text[i] != part.text[k]) k = border[k - 1];
        if (part.text[i] == part.text[k]) k++;
    }
    for (size_t i = 0, k = 0; i < whole.n && !*found; i++) {
        while (k && whole.text[i] != part.text[k]) k = border[k - 1];
        if (whole.text[i] == part.text[k]) k++;
        *found = k == part.n;
    }
    ft__free(a, border);
    return true;
}

FT__PRIV const char *ft__text_excerpt(ft__view v, char out[64]) {
    const char *p = v.text, *end = p + v.n;
    size_t n = 0;
    while (p < end && n < 64 - 8) { /* room for a character, "..." and NUL */
        uint32_t c = ft__utf8_next(&p, end);
        if (c < ' ' || c == 0x7F) c = ' ';
        n += (size_t)ft__utf8_encode(c == FT__BAD_UTF8 ? '?' : c, out + n);
    }
    memcpy(out + n, "...", 4);
    if (p == end) out[n] = 0;
    return out;
}

/* ---- SQuAD */

static bool ft__squad_is_punctuation(char c) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
}

static bool ft__squad_is_article(const char *word, size_t n) {
    return ft__text_equal(word, n, "a", 1) || ft__text_equal(word, n, "an", 2) ||
           ft__text_equal(word, n, "the", 3);
}

/* From p to the end of the word characters; one character at least. */
static const char *ft__squad_run(const char *p, const char *end) {
    const char *stop = p;
    if (!ft__is_word(ft__utf8_next(&stop, end))) return stop;
    for (p = stop; p < end && ft__is_word(ft__utf8_next(&p, end));) stop = p;
    return stop;
}

/* Punctuation is deleted, not replaced ("state-of-the-art" becomes one word), and before the
   articles are looked for, so that "a.m." keeps its a.  An article is a whole run of word
   characters; a space takes its place. */
FT__PRIV void ft__squad_normalize(ft__view v, ft__buf *out) {
    ft__buf low;
    size_t start = out->len, n = 0;
    bool blank = false;
    ft__buf_init(&low, &out->allocator);
    ft__lower(v.text, v.n, &low);
    for (size_t i = 0; i < low.len; i++)
        if (!ft__squad_is_punctuation(low.data[i])) low.data[n++] = low.data[i];
    for (const char *p = low.len ? low.data : "", *end = p + n, *stop; p < end; p = stop) {
        const char *q = p;
        stop = ft__squad_run(p, end);
        if (ft__is_space(ft__utf8_next(&q, end)) || ft__squad_is_article(p, (size_t)(stop - p))) {
            blank = true;
            continue;
        }
        if (blank && out->len > start) ft__buf_byte(out, ' ');
        blank = false;
        ft__buf_add(out, p, (size_t)(stop - p));
    }
    if (low.failed) out->failed = true;
    ft__buf_free(&low);
}

static int ft__squad_order(const void *a, const void *b) {
    const ft__view *x = (const ft__view *)a, *y = (const ft__view *)b;
    if (x->n != y->n) return x->n < y->n ? -1 : 1;
    return memcmp(x->text, y->text, x->n);
}

FT__PRIV bool ft__squad_read(ft__squad *s, ft__view v, const ft_allocator *a) {
    size_t count = 1;
    s->tokens = NULL;
    s->n_tokens = 0;
    ft__buf_init(&s->text, a);
    ft__squad_normalize(v, &s->text);
    if (s->text.failed) return false;
    if (s->text.len == 0) return true;
    for (size_t i = 0; i < s->text.len; i++) count += s->text.data[i] == ' ';
    s->tokens = (ft__view *)ft__alloc_zero(&s->text.allocator, count, sizeof *s->tokens);
    if (!s->tokens) return false;
    const char *end = s->text.data + s->text.len;
    for (const char *p = s->text.data; s->n_tokens < count;) {
        const char *blank = (const char *)memchr(p, ' ', (size_t)(end - p));
        const char *stop = blank ? blank : end;
        s->tokens[s->n_tokens++] = ft__text_view(p, (size_t)(stop - p));
        p = stop + 1;
    }
    qsort(s->tokens, s->n_tokens, sizeof *s->tokens, ft__squad_order);
    return true;
}

FT__PRIV void ft__squad_free(ft__squad *s) {
    ft__free(&s->text.allocator, s->tokens);
    ft__buf_free(&s->text);
}

FT__PRIV double ft__squad_f1(const ft__squad *x, const ft__squad *y) {
    size_t same = 0, i = 0, j = 0;
    if (x->n_tokens == 0 || y->n_tokens == 0) return x->n_tokens == y->n_tokens;
    while (i < x->n_tokens && j < y->n_tokens) {
        int order = ft__squad_order(&x->tokens[i], &y->tokens[j]);
        same += order == 0;
        i += order <= 0;
        j += order >= 0;
    }
    if (same == 0) return 0;
    double precision = (double)same / (double)x->n_tokens;
    double recall = (double)same / (double)y->n_tokens;
    return 2 * precision * recall / (precision + recall);
}
/* ---- end src/eval/text.c */
/* ---- begin src/eval/evaluator.c */
/* The registry of evaluators.  An evaluator is a row of the table at the end: what people see of
   it, a function that reads its parameters and one that scores.  Its `params` text is at the same
   time the list of the parameters there are, with their types and defaults.

   Every evaluator knows "threshold": a row passes at that value or better. */

typedef struct ft__evaluator_kind {
    ft_evaluator_info info; /* begins with the name, where ft__nearest looks for it */
    ft_status (*prepare)(ft_evaluator *e, ft_error *err);
    /* Gives a value or an error, and a detail.  False: out of memory. */
    bool (*score)(const ft_evaluator *e, const ft_row *row, ft__view output, ft_score *score);
} ft__evaluator_kind;

struct ft_evaluator {
    const ft__evaluator_kind *kind;
    ft__arena arena;
    const ft__json *given, *defaults; /* parameters: the caller's (or NULL), and all there are */
    double threshold;
    bool strip, ignore_case;
    bool whole, all;                  /* compare whole texts; all of them must be there */
    const ft__json *text;             /* contains: a string or a list of strings, or NULL */
    ft__regex *regex;
    int type, unit;                   /* json_valid (-1 = any), length: index into their words */
    double min, max;                  /* length; max -1 = none */
};

/* ---- parameters */

/* The parameter's value: given, or else its default. */
static const ft__json *ft__evaluator_param(const ft_evaluator *e, const char *name) {
    const ft__json *given = ft__json_get(e->given, name);
    return given ? given : ft__json_get(e->defaults, name);
}

static bool ft__evaluator_flag(const ft_evaluator *e, const char *name) {
    return ft__evaluator_param(e, name)->type == FT__JSON_TRUE;
}

static ft__view ft__evaluator_view(const ft__json *text) {
    ft__view v = {"", 0};
    if (text->text_len) v.text = text->text, v.n = text->text_len;
    return v;
}

/* contains: parameter "mode" must be one of "any", "all"; found "some" */
static ft_status ft__evaluator_bad_param(const ft_evaluator *e, const char *name,
                                         const char *expected, ft_error *err) {
    const ft__json *value = ft__evaluator_param(e, name);
    char excerpt[64];
    const char *quote = value->type == FT__JSON_STRING ? "\"" : "";
    const char *found = value->type == FT__JSON_STRING || value->type == FT__JSON_NUMBER
                            ? ft__text_excerpt(ft__evaluator_view(value), excerpt)
                            : ft__json_type_name(value->type);
    return ft__fail(err, FT_ERR_ARGUMENT, "", "%s: parameter \"%s\" must be %s; found %s%s%s",
                    e->kind->info.name, name, expected, quote, found, quote);
}

/* One of a few words, as its index; null, where that is the default, is -1. */
static ft_status ft__evaluator_choice(const ft_evaluator *e, const char *name,
                                      const char *const *words, size_t n_words, int *index,
                                      ft_error *err) {
    char expected[160] = "one of";
    const ft__json *value = ft__evaluator_param(e, name);
    *index = -1;
    if (value->type == FT__JSON_NULL) return FT_OK;
    for (size_t i = 0; i < n_words; i++) {
        size_t used = strlen(expected);
        snprintf(expected + used, sizeof expected - used, "%s \"%s\"", i ? "," : "", words[i]);
        if (value->type == FT__JSON_STRING &&
            ft__text_equal(value->text, value->text_len, words[i], strlen(words[i])))
            *index = (int)i;
    }
    return *index < 0 ? ft__evaluator_bad_param(e, name, expected, err) : FT_OK;
}

static ft_status ft__evaluator_unknown_param(const ft_evaluator *e, const char *param,
                                             ft_error *err) {
    const char *names[8], *name = e->kind->info.name;
    size_t n = 0;
    for (const ft__json *d = e->defaults->child; d && n < FT__COUNT(names); d = d->next)
        names[n++] = d->key;
    const char *near = ft__nearest(param, names, n, sizeof *names);
    if (near)
        return ft__fail(err, FT_ERR_ARGUMENT, "",
                        "%s has no parameter \"%.100s\"; did you mean \"%s\"?", name, param, near);
    return ft__fail(err, FT_ERR_ARGUMENT, "", "%s has no parameter \"%.100s\"; they are %s", name,
                    param, e->kind->info.params);
}

static const char *ft__evaluator_type_text(ft__json_type type) {
    return type == FT__JSON_NUMBER   ? "a number"
           : type == FT__JSON_STRING ? "a string"
                                     : "true or false";
}

/* Names and types, against the defaults; what is null there is the evaluator's own business. */
static ft_status ft__evaluator_check_params(ft_evaluator *e, ft_error *err) {
    const ft_evaluator_info *info = &e->kind->info;
    char range[80];
    if (e->given && e->given->type != FT__JSON_OBJECT)
        return ft__fail(err, FT_ERR_ARGUMENT, "", "%s: the parameters must be an object, found %s",
                        info->name, ft__json_type_name(e->given->type));
    for (const ft__json *p = e->given ? e->given->child : NULL; p; p = p->next) {
        const ft__json *known =
            strlen(p->key) == p->key_len ? ft__json_get(e->defaults, p->key) : NULL;
        if (!known) return ft__evaluator_unknown_param(e, p->key, err);
        if (known->type != FT__JSON_NULL &&
            strcmp(ft__json_type_name(known->type), ft__json_type_name(p->type)) != 0)
            return ft__evaluator_bad_param(e, known->key, ft__evaluator_type_text(known->type),
                                           err);
    }
    e->threshold = ft__evaluator_param(e, "threshold")->number;
    if (e->threshold >= info->lowest && e->threshold <= info->highest) return FT_OK;
    snprintf(range, sizeof range, "between %d and %d", (int)info->lowest, (int)info->highest);
    return ft__evaluator_bad_param(e, "threshold", range, err);
}

/* ---- what evaluators share when they score */

/* Writes the detail; never leaves half a character at its end. */
static void ft__evaluator_detail(ft_score *score, const char *fmt, ...) FT__PRINTF(2, 3);
static void ft__evaluator_detail(ft_score *score, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    vsnprintf(score->detail, sizeof score->detail, fmt, args);
    va_end(args);
    size_t n = strlen(score->detail);
    score->detail[n - ft__utf8_incomplete_tail(score->detail, n)] = 0;
}

/* A string as it is, a number as the row spells it, true and false.  NULL text: the value is none
   of these. */
static ft__view ft__evaluator_text_of(const ft__json *value) {
    ft__view v = {NULL, 0};
    switch (value->type) {
    case FT__JSON_STRING:
    case FT__JSON_NUMBER: return ft__evaluator_view(value);
    case FT__JSON_TRUE: v.text = "true", v.n = 4; break;
    case FT__JSON_FALSE: v.text = "false", v.n = 5; break;
    default: break;
    }
    return v;
}

/* Walks the texts to compare with: those of a parameter, or the row's "expected" and each of its
   "references". */
typedef struct ft__answers {
    const ft__json *one, *list;
    size_t n;
} ft__answers;

static const ft__json *ft__answers_next(ft__answers *answers) {
    const ft__json *value = answers->one ? answers->one : answers->list;
    if (answers->one) answers->one = NULL;
    else if (value) answers->list = value->next;
    return value;
}

static bool ft__evaluator_fail(ft_score *score, const char *field, const ft__json *value,
                               const char *expected) {
    score->state = FT_SCORE_ERROR;
    ft__evaluator_detail(score, "\"%s\" must be %s, found %s", field, expected,
                         ft__json_type_name(value->type));
    return false;
}

static void ft__answers_set(ft__answers *answers, const ft__json *one, const ft__json *list) {
    answers->one = one;
    answers->list = list ? list->child : NULL;
    answers->n = (one ? 1 : 0) + (list ? list->count : 0);
}

/* The row's.  False, with an error in the score, unless they are texts and nothing else. */
static bool ft__answers_find(ft__answers *answers, const ft_row *row, ft_score *score) {
    const ft__json *one = ft__row_get(row, "expected"), *list = ft__row_get(row, "references");
    if (one && !ft__evaluator_text_of(one).text)
        return ft__evaluator_fail(score, "expected", one, "a text (use an evaluator for JSON)");
    if (list && list->type != FT__JSON_ARRAY)
        return ft__evaluator_fail(score, "references", list, "a list");
    ft__answers_set(answers, one, list);
    for (const ft__json *v = answers->list; v; v = v->next)
        if (!ft__evaluator_text_of(v).text)
            return ft__evaluator_fail(score, "references", v, "a list of texts");
    if (answers->n) return true;
    score->state = FT_SCORE_ERROR;
    ft__evaluator_detail(score, "row has no \"expected\"");
    return false;
}

/* ---- exact_match, contains */

/* The text as it is compared: perhaps stripped, perhaps in lower case, which then is in the buffer.
   False: out of memory. */
static bool ft__evaluator_fold(const ft_evaluator *e, ft__view *v, ft__buf *low) {
    if (e->strip) *v = ft__text_strip(*v);
    if (!e->ignore_case || v->n == 0) return true;
    low->len = 0;
    ft__lower(v->text, v->n, low);
    v->text = low->data;
    v->n = low->len;
    return !low->failed;
}

/* An empty text is in every output; no row can mean that. */
static bool ft__answers_are_filled(ft__answers answers, ft_score *score) {
    for (const ft__json *value; (value = ft__answers_next(&answers)) != NULL;)
        if (ft__evaluator_text_of(value).n == 0) {
            score->state = FT_SCORE_ERROR;
            ft__evaluator_detail(score, "the text to look for is empty");
            return false;
        }
    return true;
}

/* Is the answer the output, or in it? */
static bool ft__evaluator_compare(const ft_evaluator *e, ft__view output, ft__view answer,
                                  bool *found) {
    ft__buf low;
    bool ok;
    ft__buf_init(&low, &e->arena.allocator);
    ok = ft__evaluator_fold(e, &answer, &low);
    if (ok && e->whole) *found = ft__text_equal(output.text, output.n, answer.text, answer.n);
    else if (ok) ok = ft__text_contains(output, answer, &e->arena.allocator, found);
    ft__buf_free(&low);
    return ok;
}

static bool ft__evaluator_score_texts(const ft_evaluator *e, const ft_row *row, ft__view output,
                                      ft_score *score) {
    ft__answers answers;
    ft__view shown = {NULL, 0}; /* in the detail: the first answer, or the one that is missing */
    char excerpt[64];
    ft__buf low;
    bool found = e->all, ok;
    if (e->text && e->text->type == FT__JSON_ARRAY) ft__answers_set(&answers, NULL, e->text);
    else if (e->text) ft__answers_set(&answers, e->text, NULL);
    else if (!ft__answers_find(&answers, row, score)) return true;
    if (!e->whole && !ft__answers_are_filled(answers, score)) return true;
    ft__buf_init(&low, &e->arena.allocator);
    ok = ft__evaluator_fold(e, &output, &low);
    for (const ft__json *value;
         ok && found == e->all && (value = ft__answers_next(&answers)) != NULL;) {
        ft__view answer = ft__evaluator_text_of(value);
        if (!shown.text || e->all) shown = answer;
        ok = ft__evaluator_compare(e, output, answer, &found);
    }
    ft__buf_free(&low);
    score->value = found;
    if (!ok || found) return ok;
    ft__evaluator_detail(score, e->all || answers.n == 1 ? "%s \"%s\"" : "%s \"%s\" or %zu more",
                         e->whole ? "expected" : "does not contain",
                         ft__text_excerpt(shown, excerpt), answers.n - 1);
    return true;
}

static ft_status ft__evaluator_prepare_exact(ft_evaluator *e, ft_error *err) {
    (void)err;
    e->whole = true;
    e->strip = ft__evaluator_flag(e, "strip");
    e->ignore_case = ft__evaluator_flag(e, "ignore_case");
    return FT_OK;
}

static ft_status ft__evaluator_prepare_contains(ft_evaluator *e, ft_error *err) {
    static const char *const modes[] = {"any", "all"};
    static const char expected[] = "a text that is not empty, or a list of such";
    const ft__json *text = ft__evaluator_param(e, "text"), *each = text;
    int mode;
    ft_status status = ft__evaluator_choice(e, "mode", modes, FT__COUNT(modes), &mode, err);
    if (status != FT_OK) return status;
    e->all = mode == 1;
    e->ignore_case = ft__evaluator_flag(e, "ignore_case");
    if (text->type == FT__JSON_NULL) return FT_OK;
    e->text = text;
    if (text->type == FT__JSON_ARRAY) each = text->child;
    while (each && each->type == FT__JSON_STRING && each->text_len) {
        each = each->next;
        if (text->type != FT__JSON_ARRAY || !each) return FT_OK;
    }
    return ft__evaluator_bad_param(e, "text", expected, err);
}

/* ---- regex */

static ft_status ft__evaluator_prepare_regex(ft_evaluator *e, ft_error *err) {
    const ft__json *pattern = ft__evaluator_param(e, "pattern");
    unsigned flags = 0;
    if (ft__evaluator_flag(e, "ignore_case")) flags |= FT__REGEX_IGNORE_CASE;
    if (ft__evaluator_flag(e, "full")) flags |= FT__REGEX_WHOLE;
    if (pattern->type == FT__JSON_NULL)
        return ft__fail(err, FT_ERR_ARGUMENT, "", "regex needs the parameter \"pattern\"");
    if (pattern->type != FT__JSON_STRING)
        return ft__evaluator_bad_param(e, "pattern", "a string", err);
    ft__view v = ft__evaluator_view(pattern);
    ft_error inner = {FT_OK, "", ""};
    e->regex = ft__regex_compile(v.text, v.n, flags, &e->arena.allocator, &inner);
    return e->regex ? FT_OK : ft__fail(err, inner.code, "", "%s", inner.message);
}

static bool ft__evaluator_score_regex(const ft_evaluator *e, const ft_row *row, ft__view output,
                                      ft_score *score) {
    bool found = false;
    (void)row;
    if (ft__regex_search(e->regex, output.text, output.n, &found, NULL) != FT_OK) return false;
    score->value = found;
    if (!found) ft__evaluator_detail(score, "no match");
    return true;
}

/* ---- token_f1 */

static ft_status ft__evaluator_prepare_nothing(ft_evaluator *e, ft_error *err) {
    (void)e;
    (void)err;
    return FT_OK;
}

/* The best over all answers.  As in the script, those that are empty once normalised do not count;
   where that leaves none, the right answer is none at all. */
static bool ft__evaluator_score_f1(const ft_evaluator *e, const ft_row *row, ft__view output,
                                   ft_score *score) {
    const ft_allocator *a = &e->arena.allocator;
    ft__answers answers;
    ft__squad got, answer;
    bool any = false, ok;
    if (!ft__answers_find(&answers, row, score)) return true;
    ok = ft__squad_read(&got, output, a);
    for (const ft__json *value; ok && (value = ft__answers_next(&answers)) != NULL;) {
        ok = ft__squad_read(&answer, ft__evaluator_text_of(value), a);
        if (ok && answer.n_tokens) {
            double f1 = ft__squad_f1(&got, &answer);
            if (f1 > score->value) score->value = f1;
            any = true;
        }
        ft__squad_free(&answer);
    }
    if (!any) score->value = got.n_tokens == 0;
    ft__squad_free(&got);
    return ok;
}

/* ---- json_valid */

static const char *const ft__evaluator_types[] = {"object", "array", "string", "number", "boolean",
                                                  "null"};

static ft_status ft__evaluator_prepare_json(ft_evaluator *e, ft_error *err) {
    return ft__evaluator_choice(e, "type", ft__evaluator_types, FT__COUNT(ft__evaluator_types),
                                &e->type, err);
}

/* Nested deeper than FT__JSON_MAX_DEPTH, or with a number beyond a double, is not valid here:
   nothing downstream could read it. */
static bool ft__evaluator_score_json(const ft_evaluator *e, const ft_row *row, ft__view output,
                                     ft_score *score) {
    ft__arena arena;
    ft__json *value;
    ft_error inner = {FT_OK, "", ""};
    (void)row;
    ft__arena_init(&arena, &e->arena.allocator);
    ft_status status = ft__json_parse(output.text, output.n, NULL, 1, &arena, &value, &inner);
    if (status != FT_OK) {
        ft__evaluator_detail(score, "%s: %s", inner.where, inner.message);
    } else {
        const char *type = ft__json_type_name(value->type);
        score->value = e->type < 0 || strcmp(type, ft__evaluator_types[e->type]) == 0;
        if (score->value < 1)
            ft__evaluator_detail(score, "expected type %s, found %s", ft__evaluator_types[e->type],
                                 type);
    }
    ft__arena_free(&arena);
    return status != FT_ERR_MEMORY;
}

/* ---- length */

static const char *const ft__evaluator_units[] = {"chars", "words", "bytes"};

static ft_status ft__evaluator_prepare_length(ft_evaluator *e, ft_error *err) {
    const ft__json *min = ft__evaluator_param(e, "min"), *max = ft__evaluator_param(e, "max");
    bool has_max = max->type != FT__JSON_NULL;
    const double most = 9007199254740992.0; /* 2^53 */
    if (!ft__json_is_integer(min, 0, most))
        return ft__evaluator_bad_param(e, "min", "a whole number, 0 or more", err);
    if (has_max && !ft__json_is_integer(max, min->number, most))
        return ft__evaluator_bad_param(e, "max", "null or a whole number not below \"min\"", err);
    e->min = min->number;
    e->max = has_max ? max->number : -1;
    return ft__evaluator_choice(e, "unit", ft__evaluator_units, FT__COUNT(ft__evaluator_units),
                                &e->unit, err);
}

static bool ft__evaluator_score_length(const ft_evaluator *e, const ft_row *row, ft__view output,
                                       ft_score *score) {
    size_t n = e->unit == 0   ? ft__text_chars(output)
               : e->unit == 1 ? ft__text_words(output)
                              : output.n;
    (void)row;
    score->value = (double)n >= e->min && (e->max < 0 || (double)n <= e->max);
    ft__evaluator_detail(score, "%zu %s", n, ft__evaluator_units[e->unit]);
    return true;
}

/* ---- the registry: name, summary, fields, parameters, range, higher is better, threshold,
   signature.  A signature changes when a score could. */

static const ft__evaluator_kind ft__evaluator_kinds[] = {
    {{"exact_match", "the output is the expected text, or one of the references", "expected",
      "{\"strip\": true, \"ignore_case\": false, \"threshold\": 1}",
      0, 1, true, 1, "exact_match|v1"},
     ft__evaluator_prepare_exact, ft__evaluator_score_texts},
    {{"contains", "the output contains the expected text, one of the references, or the given text",
      "expected",
      "{\"text\": null, \"mode\": \"any\", \"ignore_case\": false, \"threshold\": 1}",
      0, 1, true, 1, "contains|v1"},
     ft__evaluator_prepare_contains, ft__evaluator_score_texts},
    {{"regex", "the pattern matches somewhere in the output, or (full) all of it", "",
      "{\"pattern\": null, \"ignore_case\": false, \"full\": false, \"threshold\": 1}",
      0, 1, true, 1, "regex|python-linear|v1"},
     ft__evaluator_prepare_regex, ft__evaluator_score_regex},
    {{"token_f1", "overlap in words with the expected text, as SQuAD 2.0 measures it", "expected",
      "{\"threshold\": 0.5}",
      0, 1, true, 0.5, "token_f1|squad-v2|v1"},
     ft__evaluator_prepare_nothing, ft__evaluator_score_f1},
    {{"json_valid", "the output is one JSON value (RFC 8259), of the given type", "",
      "{\"type\": null, \"threshold\": 1}",
      0, 1, true, 1, "json_valid|rfc8259|v1"},
     ft__evaluator_prepare_json, ft__evaluator_score_json},
    {{"length", "the output has between min and max chars, words or bytes", "",
      "{\"unit\": \"chars\", \"min\": 0, \"max\": null, \"threshold\": 1}",
      0, 1, true, 1, "length|v1"},
     ft__evaluator_prepare_length, ft__evaluator_score_length},
};

int ft_evaluator_count(void) { return (int)FT__COUNT(ft__evaluator_kinds); }

const ft_evaluator_info *ft_evaluator_at(int index) {
    return index >= 0 && index < ft_evaluator_count() ? &ft__evaluator_kinds[index].info : NULL;
}

static const ft__evaluator_kind *ft__evaluator_find(const char *name, ft_error *err) {
    for (size_t i = 0; i < FT__COUNT(ft__evaluator_kinds); i++)
        if (strcmp(ft__evaluator_kinds[i].info.name, name) == 0) return &ft__evaluator_kinds[i];
    const char *near = ft__nearest(name, ft__evaluator_kinds, FT__COUNT(ft__evaluator_kinds),
                                   sizeof *ft__evaluator_kinds);
    if (near)
        ft__fail(err, FT_ERR_ARGUMENT, "",
                 "no evaluator is called \"%.100s\"; did you mean \"%s\"?", name, near);
    else ft__fail(err, FT_ERR_ARGUMENT, "", "no evaluator is called \"%.100s\"", name);
    return NULL;
}

static ft_status ft__evaluator_prepare(ft_evaluator *e, const char *params, ft_error *err) {
    const char *defaults = e->kind->info.params;
    ft__json *value = NULL;
    ft_status status = ft__json_parse(defaults, strlen(defaults), "", 1, &e->arena, &value, err);
    e->defaults = value;
    if (status == FT_OK && params) {
        status = ft__json_parse(params, strlen(params), "params", 1, &e->arena, &value, err);
        e->given = value;
    }
    if (status == FT_OK) status = ft__evaluator_check_params(e, err);
    return status == FT_OK ? e->kind->prepare(e, err) : status;
}

ft_evaluator *ft_evaluator_create(const char *name, const char *params_json,
                                  const ft_allocator *allocator, ft_error *err) {
    const ft__evaluator_kind *kind = ft__evaluator_find(name, err);
    ft_allocator a = ft__allocator(allocator);
    if (!kind) return NULL;
    ft_evaluator *e = (ft_evaluator *)ft__alloc_zero(&a, 1, sizeof *e);
    if (!e) {
        ft__fail_memory(err);
        return NULL;
    }
    e->kind = kind;
    ft__arena_init(&e->arena, &a);
    if (ft__evaluator_prepare(e, params_json, err) == FT_OK) return e;
    ft_evaluator_free(e);
    return NULL;
}

const ft_evaluator_info *ft_evaluator_get_info(const ft_evaluator *evaluator) {
    return &evaluator->kind->info;
}

void ft_evaluator_free(ft_evaluator *evaluator) {
    if (!evaluator) return;
    ft_allocator a = evaluator->arena.allocator;
    ft__regex_free(evaluator->regex);
    ft__arena_free(&evaluator->arena);
    ft__free(&a, evaluator);
}

ft_status ft_evaluate(const ft_evaluator *evaluator, const ft_row *row, const char *output,
                      size_t n_bytes, ft_score *score, ft_error *err) {
    const ft_evaluator_info *info = &evaluator->kind->info;
    ft__view view = {n_bytes ? output : "", n_bytes};
    memset(score, 0, sizeof *score);
    score->state = output ? FT_SCORED : FT_MISSING;
    if (!output) return FT_OK;
    if (!evaluator->kind->score(evaluator, row, view, score)) return ft__fail_memory(err);
    if (score->state == FT_SCORED &&
        !(score->value >= info->lowest && score->value <= info->highest)) {
        score->state = FT_SCORE_ERROR; /* a NaN too */
        ft__evaluator_detail(score, "%s gave a value outside its range", info->name);
    }
    if (score->state != FT_SCORED) score->value = 0;
    else score->pass = info->higher_is_better ? score->value >= evaluator->threshold
                                              : score->value <= evaluator->threshold;
    return FT_OK;
}
/* ---- end src/eval/evaluator.c */
/* ---- begin src/release/shape.c */
/* What a JSON object may hold, as tables of keys with one walker for jobs and rows alike; and a
   table of names, for ids and cohorts. */
/* ---- begin src/release/release.h */
/* Floor 6: the release gate.  A job file becomes plain structs (job, dataset), the structs are run
   and scored (compare), the scores are judged (gate), the result is written and shown (compare,
   report_term).  This floor sees the public API and JSON, never tensors. */
#ifndef FT__RELEASE_H
#define FT__RELEASE_H


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
    const char *adapter; /* path, or NULL */
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

struct ft_job {
    ft_allocator allocator;
    ft__arena arena;
    const char *path, *name;
    const char *output; /* folder, or NULL */
    const char *cohort_by;
    const ft__json *tree; /* the job file with every --set applied */

    const char **models; /* (n_models) paths, each once; the base's first */
    int n_models;
    ft__variant *variants; /* (n_variants) */
    int n_variants;
    ft__job_evaluator *evaluators;
    int n_evaluators;
    ft__rule *rules; /* those of the probes last, in the order of their data files */
    int n_rules, n_probes;
    double alpha;
    const char *correction;

    int max_tokens, repeat;
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

/* ---- compare: release/compare.c */

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
    bool *higher_is_better; /* (n_evaluators) */
    ft__table table;        /* its last cohort is FT__EVERY_ROW */
    ft__gate_out gate;
    char (*model_digests)[65];   /* (n_models) */
    char (*adapter_digests)[65]; /* (n_variants), "" without one */
    char (*answer_digests)[65];  /* (n_variants) */
    ft__timing timing;
    ft__buf json; /* result.json */
    char digest[65];
};

FT__PRIV ft__answer *ft__result_answer(const ft_result *r, size_t row, int variant, int repeat);
FT__PRIV ft__row_score *ft__result_score(const ft_result *r, int evaluator, size_t row,
                                         int variant);
FT__PRIV const char *ft__result_cohort(const ft_result *r,
                                       int cohort); /* its name, or FT__EVERY_ROW */
FT__PRIV int ft__result_cohort_rows(const ft_result *r, int cohort);

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
/* ---- end src/release/release.h */

/* The way down to a value, for messages; on the stack of the walk. */
typedef struct ft__shape_place ft__shape_place;
struct ft__shape_place {
    const ft__shape_place *up;
    const char *key; /* NULL: an element of a list */
    size_t index;
};

FT__PRIV const char *ft__shape_where(const char *file, uint32_t line, char out[384]) {
    if (line)
        snprintf(out, 384, "%s:%u", file, (unsigned)line);
    else
        snprintf(out, 384, "%s", file);
    return out;
}

/* "gate.rules[1].mode"; as deep as the tables are, at most. */
static void ft__shape_path(const ft__shape_place *place, char *out, size_t cap) {
    if (!place) {
        snprintf(out, cap, "%s", "");
        return;
    }
    ft__shape_path(place->up, out, cap);
    size_t n = strlen(out);
    if (place->key)
        snprintf(out + n, cap - n, "%s%s", n ? "." : "", place->key);
    else
        snprintf(out + n, cap - n, "[%llu]", (unsigned long long)place->index);
}

/* "PATH" must be WHAT, found FOUND */
static ft_status ft__shape_fail(const ft__shape_context *c, const ft__shape_place *place,
                                const ft__json *value, const char *what, const char *found) {
    char path[160], where[384];
    ft__shape_path(place, path, sizeof path);
    ft__shape_where(c->file, value->line, where);
    if (!path[0]) return ft__fail(c->err, c->code, where, "must be %s, found %s", what, found);
    return ft__fail(c->err, c->code, where, "\"%s\" must be %s, found %s", path, what, found);
}

static ft_status ft__shape_wrong_type(const ft__shape_context *c, const ft__shape_place *place,
                                      const ft__json *value, unsigned types) {
    static const struct {
        unsigned bits;
        const char *text;
    } names[] = {{FT__SHAPE_STRING, "a string"},
                 {FT__SHAPE_NUMBER, "a number"},
                 {FT__SHAPE_BOOL, "true or false"},
                 {FT__SHAPE_LIST, "an array"},
                 {FT__SHAPE_OBJECT, "an object"}}; /* null is as good as absent: not worth a word */
    char what[96] = "";
    for (size_t i = 0; i < FT__COUNT(names); i++) {
        size_t n = strlen(what);
        if (types & names[i].bits)
            snprintf(what + n, sizeof what - n, "%s%s", n ? " or " : "", names[i].text);
    }
    return ft__shape_fail(c, place, value, what, ft__json_type_name(value->type));
}

static ft_status ft__shape_check_number(const ft__shape_context *c, const ft__shape_place *place,
                                        const ft__json *value, const ft__shape *shape) {
    char lowest[32], highest[32], what[96], found[48];
    bool whole = (shape->types & FT__SHAPE_WHOLE) != 0;
    double x = value->number;
    if (x >= shape->lowest && x <= shape->highest &&
        (!whole || ft__json_is_integer(value, shape->lowest, shape->highest)))
        return FT_OK;
    ft__number_write(shape->lowest, lowest);
    ft__number_write(shape->highest, highest);
    const char *kind = whole ? "an integer" : "a number";
    if (shape->highest == DBL_MAX)
        snprintf(what, sizeof what, "%s of at least %s", kind, lowest);
    else
        snprintf(what, sizeof what, "%s from %s to %s", kind, lowest, highest);
    int n = value->text_len > 40 ? 40 : (int)value->text_len;
    snprintf(found, sizeof found, "%.*s", n, value->text);
    return ft__shape_fail(c, place, value, what, found);
}

static ft_status ft__shape_walk(const ft__shape_context *c, const ft__shape_place *place,
                                const ft__json *value, const ft__shape *shape);

static ft_status ft__shape_unknown_key(const ft__shape_context *c, const ft__shape_place *place,
                                       const ft__json *value, const ft__shape *keys) {
    char path[160], where[384];
    size_t n = 0;
    while (keys[n].name) n++;
    const char *near = ft__nearest(value->key, keys, n, sizeof *keys);
    ft__shape_path(place, path, sizeof path);
    ft__shape_where(c->file, value->line, where);
    if (near)
        return ft__fail(c->err, c->code, where, "unknown key \"%s\"; did you mean \"%s\"?", path,
                        near);
    return ft__fail(c->err, c->code, where, "unknown key \"%s\"", path);
}

static ft_status ft__shape_twice(const ft__shape_context *c, const ft__shape_place *place,
                                 const ft__json *value) {
    char path[160], where[384];
    ft__shape_path(place, path, sizeof path);
    return ft__fail(c->err, c->code, ft__shape_where(c->file, value->line, where),
                    "\"%s\" is given twice", path);
}

static ft_status ft__shape_walk_object(const ft__shape_context *c, const ft__shape_place *place,
                                       const ft__json *value, const ft__shape *shape) {
    ft_status status = FT_OK;
    for (const ft__json *member = value->child; member && !status; member = member->next) {
        ft__shape_place here = {place, member->key, 0};
        const ft__shape *inner = shape->keys;
        while (inner && inner->name &&
               !ft__text_equal(inner->name, strlen(inner->name), member->key, member->key_len))
            inner++;
        if (inner && inner->name && ft__json_get(value, inner->name) != member)
            status = ft__shape_twice(c, &here, member);
        else if (!inner)
            status = shape->each ? ft__shape_walk(c, &here, member, shape->each) : FT_OK;
        else if (inner->name)
            status = ft__shape_walk(c, &here, member, inner);
        else if (!(shape->types & FT__SHAPE_OPEN))
            status = ft__shape_unknown_key(c, &here, member, shape->keys);
    }
    for (const ft__shape *key = shape->keys; key && key->name && !status; key++) {
        if (!(key->types & FT__SHAPE_NEEDED) || ft__json_get(value, key->name)) continue;
        char path[160], where[384];
        ft__shape_place here = {place, key->name, 0};
        ft__shape_path(&here, path, sizeof path);
        status = ft__fail(c->err, c->code, ft__shape_where(c->file, value->line, where),
                          "\"%s\" is missing", path);
    }
    return status;
}

static ft_status ft__shape_walk(const ft__shape_context *c, const ft__shape_place *place,
                                const ft__json *value, const ft__shape *shape) {
    ft_status status = FT_OK;
    bool filled = (shape->types & FT__SHAPE_FILLED) != 0;
    if (!(shape->types & (1u << value->type)))
        return ft__shape_wrong_type(c, place, value, shape->types);
    if (value->type == FT__JSON_NUMBER) return ft__shape_check_number(c, place, value, shape);
    if (value->type == FT__JSON_STRING && filled) {
        if (!value->text_len)
            return ft__shape_fail(c, place, value, "a string with text in it", "an empty one");
        if (memchr(value->text, 0, value->text_len))
            return ft__shape_fail(c, place, value, "a string without NUL characters", "one");
    }
    if (value->type == FT__JSON_ARRAY && filled && !value->count)
        return ft__shape_fail(c, place, value, "an array with something in it", "an empty one");
    if (value->type == FT__JSON_OBJECT) return ft__shape_walk_object(c, place, value, shape);
    if (value->type != FT__JSON_ARRAY || !shape->each) return FT_OK;
    ft__shape_place here = {place, NULL, 0};
    for (const ft__json *e = value->child; e && !status; e = e->next, here.index++)
        status = ft__shape_walk(c, &here, e, shape->each);
    return status;
}

FT__PRIV ft_status ft__shape_check(const ft__shape_context *c, const ft__json *value,
                                   const ft__shape *shape) {
    return ft__shape_walk(c, NULL, value, shape);
}

/* ---- names */

static uint64_t ft__names_hash(const char *name) { /* FNV-1a */
    uint64_t h = 14695981039346656037u;
    for (; *name; name++) h = (h ^ (unsigned char)*name) * 1099511628211u;
    return h ^ h >> 32;
}

/* Where the name is, or the free slot where it belongs. */
static size_t *ft__names_slot(const ft__names *t, const char *name) {
    size_t at = (size_t)ft__names_hash(name) & (t->n_slots - 1);
    while (t->slots[at] && strcmp(t->names[t->slots[at] - 1], name) != 0)
        at = (at + 1) & (t->n_slots - 1);
    return &t->slots[at];
}

static bool ft__names_rehash(ft__names *t, const ft_allocator *a) {
    size_t n = t->n_slots ? 2 * t->n_slots : 64;
    size_t *slots = (size_t *)ft__alloc_zero(a, n, sizeof *slots);
    if (!slots) return false;
    ft__free(a, t->slots);
    t->slots = slots;
    t->n_slots = n;
    for (size_t i = 0; i < t->n; i++) *ft__names_slot(t, t->names[i]) = i + 1;
    return true;
}

FT__PRIV bool ft__names_add(ft__names *t, const ft_allocator *a, const char *name, size_t *index,
                            bool *is_new) {
    if (2 * t->n >= t->n_slots && !ft__names_rehash(t, a)) return false;
    if (!ft__grow(a, (void **)&t->names, &t->cap, t->n + 1, sizeof *t->names)) return false;
    size_t *slot = ft__names_slot(t, name);
    *is_new = *slot == 0;
    if (*is_new) {
        t->names[t->n] = name;
        *slot = ++t->n;
    }
    *index = *slot - 1;
    return true;
}

FT__PRIV void ft__names_free(ft__names *t, const ft_allocator *a) {
    ft__free(a, t->names);
    ft__free(a, t->slots);
    memset(t, 0, sizeof *t);
}
/* ---- end src/release/shape.c */
/* ---- begin src/release/job.c */
/* The job file.  It is parsed, every --set is put into the tree, one walker holds the tree against
   the tables of keys below, and only then is it read into plain structs: whoever reads a key knows
   that its type and range are right. */

/* ---- the keys of a job */

static const ft__shape ft__job_text = {"", FT__SHAPE_NAME, 0, 0, NULL, NULL};

static const ft__shape ft__job_base_keys[] = {
    {"model", FT__SHAPE_NAME | FT__SHAPE_NEEDED, 0, 0, NULL, NULL}, {NULL, 0, 0, 0, NULL, NULL}};

static const ft__shape ft__job_candidate_keys[] = {
    {"name", FT__SHAPE_NAME | FT__SHAPE_NEEDED, 0, 0, NULL, NULL},
    {"adapter", FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {"scale", FT__SHAPE_NUMBER, -FLT_MAX, FLT_MAX, NULL, NULL},
    {"model", FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL}};
static const ft__shape ft__job_candidate = {"", FT__SHAPE_OBJECT,       0,
                                            0,  ft__job_candidate_keys, NULL};

static const ft__shape ft__job_data_keys[] = {
    {"path", FT__SHAPE_NAME | FT__SHAPE_NEEDED, 0, 0, NULL, NULL},
    {"fields", FT__SHAPE_OBJECT, 0, 0, NULL, &ft__job_text},
    {NULL, 0, 0, 0, NULL, NULL}};
static const ft__shape ft__job_data = {"", FT__SHAPE_OBJECT, 0, 0, ft__job_data_keys, NULL};

static const ft__shape ft__job_prompt_keys[] = {
    {"template", FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {"system", FT__SHAPE_STRING | FT__SHAPE_NULL, 0, 0, NULL, NULL},
    {"few_shot", FT__SHAPE_OBJECT | FT__SHAPE_NULL, 0, 0, NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL}};

static const ft__shape ft__job_generate_keys[] = {
    {"max_tokens", FT__SHAPE_NUMBER | FT__SHAPE_WHOLE, 1, 100000, NULL, NULL},
    {"temperature", FT__SHAPE_NUMBER, 0, 1000, NULL, NULL},
    {"top_k", FT__SHAPE_NUMBER | FT__SHAPE_WHOLE, 0, INT_MAX, NULL, NULL},
    {"top_p", FT__SHAPE_NUMBER, 0, 1, NULL, NULL},
    {"min_p", FT__SHAPE_NUMBER, 0, 1, NULL, NULL},
    {"seed", FT__SHAPE_NUMBER | FT__SHAPE_WHOLE, 0, 9007199254740991.0, NULL, NULL},
    {"stop", FT__SHAPE_LIST, 0, 0, NULL, &ft__job_text},
    {"repeat", FT__SHAPE_NUMBER | FT__SHAPE_WHOLE, 1, 1000, NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL}};

static const ft__shape ft__job_evaluator_keys[] = {
    {"use", FT__SHAPE_NAME | FT__SHAPE_NEEDED, 0, 0, NULL, NULL},
    {"name", FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {"params", FT__SHAPE_OBJECT, 0, 0, NULL, NULL},
    {"cohorts", FT__SHAPE_LIST | FT__SHAPE_FILLED, 0, 0, NULL, &ft__job_text},
    {NULL, 0, 0, 0, NULL, NULL}};
static const ft__shape ft__job_entry = {"", FT__SHAPE_OBJECT, 0, 0, ft__job_evaluator_keys, NULL};

static const ft__shape ft__job_rule_keys[] = {
    {"evaluator", FT__SHAPE_NAME | FT__SHAPE_NEEDED, 0, 0, NULL, NULL},
    {"cohort", FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {"max_drop", FT__SHAPE_NUMBER, 0, DBL_MAX, NULL, NULL},
    {"min_gain", FT__SHAPE_NUMBER, 0, DBL_MAX, NULL, NULL},
    {"mode", FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL}};
static const ft__shape ft__job_rule = {"", FT__SHAPE_OBJECT, 0, 0, ft__job_rule_keys, NULL};

static const ft__shape ft__job_gate_keys[] = {{"alpha", FT__SHAPE_NUMBER, 0, 1, NULL, NULL},
                                              {"correction", FT__SHAPE_NAME, 0, 0, NULL, NULL},
                                              {"rules", FT__SHAPE_LIST, 0, 0, NULL, &ft__job_rule},
                                              {NULL, 0, 0, 0, NULL, NULL}};

static const ft__shape ft__job_probe_keys[] = {
    {"path", FT__SHAPE_NAME | FT__SHAPE_NEEDED, 0, 0, NULL, NULL},
    {"evaluator", FT__SHAPE_NAME | FT__SHAPE_NEEDED, 0, 0, NULL, NULL},
    {"max_drop", FT__SHAPE_NUMBER | FT__SHAPE_NEEDED, 0, DBL_MAX, NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL}};
static const ft__shape ft__job_probe = {"", FT__SHAPE_OBJECT, 0, 0, ft__job_probe_keys, NULL};

static const ft__shape ft__job_keys[] = {
    {"name", FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {"base", FT__SHAPE_OBJECT | FT__SHAPE_NEEDED, 0, 0, ft__job_base_keys, NULL},
    {"candidates", FT__SHAPE_LIST | FT__SHAPE_FILLED | FT__SHAPE_NEEDED, 0, 0, NULL,
     &ft__job_candidate},
    {"data", FT__SHAPE_LIST, 0, 0, NULL, &ft__job_data},
    {"cohort_by", FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {"prompt", FT__SHAPE_OBJECT, 0, 0, ft__job_prompt_keys, NULL},
    {"generate", FT__SHAPE_OBJECT, 0, 0, ft__job_generate_keys, NULL},
    {"evaluators", FT__SHAPE_LIST, 0, 0, NULL, &ft__job_entry},
    {"gate", FT__SHAPE_OBJECT, 0, 0, ft__job_gate_keys, NULL},
    {"probes", FT__SHAPE_OBJECT, 0, 0, NULL, &ft__job_probe},
    {"output", FT__SHAPE_NAME | FT__SHAPE_NULL, 0, 0, NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL}};
static const ft__shape ft__job_shape = {"", FT__SHAPE_OBJECT, 0, 0, ft__job_keys, NULL};

/* ---- --set path.to.key=JSON */

static ft_status ft__job_set_fail(ft_error *err, const char *set, const char *why) {
    return ft__fail(err, FT_ERR_ARGUMENT, "--set", "%.160s: %.160s", set, why);
}

/* Lines of the argument are no lines of the job file.  As deep as the parser allows, at most. */
static void ft__job_set_forget_lines(ft__json *value) {
    value->line = 0;
    for (ft__json *child = value->child; child; child = child->next)
        ft__job_set_forget_lines(child);
}

static ft__json *ft__job_set_member(ft__json *object, ft__arena *arena, const char *key) {
    ft__json *found = ft__json_get(object, key), **end = &object->child;
    if (found) return found;
    ft__json *added = (ft__json *)ft__arena_alloc(arena, 1, sizeof *added);
    if (!added) return NULL;
    added->type = FT__JSON_OBJECT;
    added->key = key;
    added->key_len = strlen(key);
    while (*end) end = &(*end)->next;
    *end = added;
    object->count++;
    return added;
}

static ft__json *ft__job_set_element(const ft__json *list, const char *key) {
    size_t index = 0;
    if (!*key || strlen(key) > 9) return NULL;
    for (; *key; key++) {
        if (*key < '0' || *key > '9') return NULL;
        index = 10 * index + (size_t)(*key - '0');
    }
    ft__json *element = list->child;
    while (element && index--) element = element->next;
    return element;
}

static ft_status ft__job_set(ft__json *tree, ft__arena *arena, const char *set, ft_error *err) {
    const char *equals = set ? strchr(set, '=') : NULL;
    ft__json *value, *at = tree;
    ft_error inner;
    if (!equals || equals == set)
        return ft__job_set_fail(err, set ? set : "", "must be path.to.key=JSON");
    ft_status status =
        ft__json_parse(equals + 1, strlen(equals + 1), "value", 1, arena, &value, &inner);
    if (status == FT_ERR_MEMORY) return ft__fail_memory(err);
    if (status)
        return ft__fail(err, FT_ERR_ARGUMENT, "--set",
                        "%.120s: not JSON (a text needs quotes): %.160s", set, inner.message);
    ft__job_set_forget_lines(value);
    for (const char *key = set; key < equals;) {
        size_t n = strcspn(key, ".=");
        const char *name = ft__arena_text(arena, key, n);
        if (!name) return ft__fail_memory(err);
        if (!n) return ft__job_set_fail(err, set, "the path has an empty part");
        if (at->type == FT__JSON_OBJECT) {
            at = ft__job_set_member(at, arena, name);
            if (!at) return ft__fail_memory(err);
        } else if (at->type == FT__JSON_ARRAY) {
            at = ft__job_set_element(at, name);
            if (!at)
                return ft__job_set_fail(err, set,
                                        "the list has no such element (they count from 0)");
        } else {
            return ft__job_set_fail(err, set,
                                    "the path leads through a value that is no object or list");
        }
        key += n + (key + n < equals);
        if (key == equals && key[-1] == '.')
            return ft__job_set_fail(err, set, "the path has an empty part");
    }
    value->key = at->key;
    value->key_len = at->key_len;
    value->next = at->next;
    *at = *value;
    return FT_OK;
}

/* ---- from the checked tree to structs */

FT__PRIV ft_status ft__job_fail(const ft_job *job, ft_error *err, uint32_t line, const char *fmt,
                                ...) {
    char message[sizeof err->message], where[384];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    return ft__fail(err, FT_ERR_JOB, ft__shape_where(job->path, line, where), "%s", message);
}

static double ft__job_number(const ft__json *object, const char *key, double otherwise) {
    const ft__json *value = ft__json_get(object, key);
    return value ? value->number : otherwise;
}

/* NULL where the key is absent or null. */
static const char *ft__job_string(const ft__json *object, const char *key) {
    const ft__json *value = ft__json_get(object, key);
    return value && value->type == FT__JSON_STRING ? value->text : NULL;
}

static size_t ft__job_count(const ft__json *value) { return value ? value->count : 0; }

/* The texts of a list. */
static const char **ft__job_strings(ft__arena *arena, const ft__json *list, int *n) {
    const char **texts =
        (const char **)ft__arena_alloc(arena, ft__job_count(list) + 1, sizeof *texts);
    *n = 0;
    if (!texts || !list) return texts;
    for (const ft__json *e = list->child; e; e = e->next) texts[(*n)++] = e->text;
    return texts;
}

/* Lengths of lists become ints. */
static ft_status ft__job_check_sizes(const ft_job *job, ft_error *err) {
    static const char *const lists[] = {"candidates", "data", "evaluators", "gate.rules", "probes"};
    for (size_t i = 0; i < FT__COUNT(lists); i++) {
        const ft__json *list = ft__json_path(job->tree, lists[i]);
        if (ft__job_count(list) > 10000)
            return ft__job_fail(job, err, list->line, "\"%s\" has more than 10000 entries",
                                lists[i]);
    }
    return FT_OK;
}

static ft_status ft__job_read_prompt(const ft_job *job, ft_error *err) {
    static const char *const later[] = {"system", "few_shot"};
    const ft__json *prompt = ft__json_get(job->tree, "prompt");
    const char *template_name = ft__job_string(prompt, "template");
    char where[384];
    for (size_t i = 0; i < FT__COUNT(later); i++) {
        const ft__json *value = ft__json_get(prompt, later[i]);
        if (value && value->type != FT__JSON_NULL)
            return ft__fail(err, FT_ERR_UNSUPPORTED, ft__shape_where(job->path, value->line, where),
                            "\"prompt.%s\" needs chat templates, which are not in this version",
                            later[i]);
    }
    if (template_name && strcmp(template_name, "none") == 0) return FT_OK;
    return ft__fail(err, FT_ERR_UNSUPPORTED,
                    ft__shape_where(job->path, prompt ? prompt->line : job->tree->line, where),
                    "chat templates (\"prompt.template\": \"%.80s\") are not in this version; set "
                    "\"prompt\": {\"template\": \"none\"} to send prompts as they stand",
                    template_name ? template_name : "auto");
}

static int ft__job_model(ft_job *job, const char *path) {
    for (int i = 0; i < job->n_models; i++)
        if (strcmp(job->models[i], path) == 0) return i;
    job->models[job->n_models] = path;
    return job->n_models++;
}

static ft_status ft__job_add_candidate(ft_job *job, const ft__json *entry, ft_error *err) {
    ft__variant *v = &job->variants[job->n_variants];
    const char *model = ft__job_string(entry, "model"), *adapter = ft__job_string(entry, "adapter");
    int i = job->n_variants - 1;
    v->name = ft__job_string(entry, "name");
    v->line = entry->line;
    v->scale = ft__job_number(entry, "scale", 1.0);
    for (int k = 0; k < job->n_variants; k++)
        if (strcmp(job->variants[k].name, v->name) == 0)
            return ft__job_fail(job, err, v->line,
                                k ? "candidates[%d]: the name \"%.100s\" is taken"
                                  : "candidates[%d]: only the base is called \"%.100s\"",
                                i, v->name);
    if (!model && !adapter)
        return ft__job_fail(job, err, v->line,
                            "candidates[%d] (\"%.100s\") needs an \"adapter\" or a \"model\"", i,
                            v->name);
    if (!adapter && ft__json_get(entry, "scale"))
        return ft__job_fail(job, err, v->line,
                            "candidates[%d] (\"%.100s\"): \"scale\" needs an \"adapter\"", i,
                            v->name);
    if (model) model = ft__path_beside(&job->arena, job->path, model);
    if (adapter) v->adapter = ft__path_beside(&job->arena, job->path, adapter);
    if (job->arena.failed) return ft__fail_memory(err);
    v->model = model ? ft__job_model(job, model) : 0;
    job->n_variants++;
    return FT_OK;
}

static ft_status ft__job_read_variants(ft_job *job, ft_error *err) {
    const ft__json *base = ft__json_get(job->tree, "base");
    const ft__json *list = ft__json_get(job->tree, "candidates");
    job->variants =
        (ft__variant *)ft__arena_alloc(&job->arena, list->count + 1, sizeof *job->variants);
    job->models = (const char **)ft__arena_alloc(&job->arena, list->count + 1, sizeof *job->models);
    const char *path = ft__path_beside(&job->arena, job->path, ft__job_string(base, "model"));
    if (job->arena.failed) return ft__fail_memory(err);
    job->variants[0].name = "base";
    job->variants[0].scale = 1;
    job->variants[0].line = base->line;
    job->variants[0].model = ft__job_model(job, path);
    job->n_variants = 1;
    ft_status status = FT_OK;
    for (const ft__json *e = list->child; e && !status; e = e->next)
        status = ft__job_add_candidate(job, e, err);
    return status;
}

static ft_status ft__job_read_generate(ft_job *job, ft_error *err) {
    const ft__json *g = ft__json_get(job->tree, "generate");
    job->max_tokens = (int)ft__job_number(g, "max_tokens", 64);
    job->repeat = (int)ft__job_number(g, "repeat", 1);
    job->temperature = ft__job_number(g, "temperature", 0);
    job->top_p = ft__job_number(g, "top_p", 1);
    job->min_p = ft__job_number(g, "min_p", 0);
    job->sampling.temperature = (float)job->temperature;
    job->sampling.top_k = (int)ft__job_number(g, "top_k", 0);
    job->sampling.top_p = (float)job->top_p;
    job->sampling.min_p = (float)job->min_p;
    job->sampling.seed = (uint64_t)ft__job_number(g, "seed", 1);
    job->stops = ft__job_strings(&job->arena, ft__json_get(g, "stop"), &job->n_stops);
    return job->stops ? FT_OK : ft__fail_memory(err);
}

/* `place` is "evaluators[2]" or "probes.forgetting". */
static ft_status ft__job_add_evaluator(ft_job *job, const ft__json *entry, const char *place,
                                       const char *name, const char *use, ft_error *err) {
    ft__job_evaluator *e = &job->evaluators[job->n_evaluators];
    ft__buf params;
    ft_error inner = {FT_OK, "", ""};
    for (int k = 0; k < job->n_evaluators; k++)
        if (strcmp(job->evaluators[k].name, name) == 0)
            return ft__job_fail(job, err, entry->line, "%.100s: the name \"%.100s\" is taken",
                                place, name);
    e->name = name;
    e->use = use;
    e->line = entry->line;
    e->params = ft__json_get(entry, "params");
    e->cohorts = ft__job_strings(&job->arena, ft__json_get(entry, "cohorts"), &e->n_cohorts);
    if (!e->cohorts) return ft__fail_memory(err);
    ft__buf_init(&params, &job->allocator);
    ft__json_writer w;
    ft__json_writer_init(&w, &params, 0);
    if (e->params) ft__json_value(&w, e->params);
    if (!params.failed) e->handle = ft_evaluator_create(use, params.data, &job->allocator, &inner);
    bool no_memory = params.failed || inner.code == FT_ERR_MEMORY;
    ft__buf_free(&params);
    if (e->handle) {
        job->n_evaluators++;
        return FT_OK;
    }
    if (no_memory) return ft__fail_memory(err);
    return ft__job_fail(job, err, entry->line, "%.100s: %s", place, inner.message);
}

static ft_status ft__job_read_evaluators(ft_job *job, ft_error *err) {
    const ft__json *list = ft__json_get(job->tree, "evaluators");
    const ft__json *probes = ft__json_get(job->tree, "probes");
    size_t n = ft__job_count(list) + ft__job_count(probes);
    ft_status status = FT_OK;
    int index = 0;
    job->evaluators =
        (ft__job_evaluator *)ft__arena_alloc(&job->arena, n + 1, sizeof *job->evaluators);
    if (!job->evaluators) return ft__fail_memory(err);
    for (const ft__json *e = list ? list->child : NULL; e && !status; e = e->next) {
        char place[32];
        const char *use = ft__job_string(e, "use"), *name = ft__job_string(e, "name");
        snprintf(place, sizeof place, "evaluators[%d]", index++);
        status = ft__job_add_evaluator(job, e, place, name ? name : use, use, err);
    }
    for (const ft__json *p = probes ? probes->child : NULL; p && !status; p = p->next) {
        char place[128];
        snprintf(place, sizeof place, "probes.%.100s", p->key);
        if (!p->key_len || strlen(p->key) != p->key_len)
            return ft__job_fail(job, err, p->line, "a probe's name must be filled and plain text");
        status = ft__job_add_evaluator(job, p, place, p->key, ft__job_string(p, "evaluator"), err);
        if (!status) job->evaluators[job->n_evaluators - 1].probe = true;
    }
    return status;
}

static int ft__job_find_evaluator(const ft_job *job, const char *name) {
    for (int i = 0; i < job->n_evaluators; i++)
        if (strcmp(job->evaluators[i].name, name) == 0) return i;
    return -1;
}

static ft_status ft__job_add_rule(ft_job *job, const ft__json *entry, int index, ft_error *err) {
    ft__rule *rule = &job->rules[job->n_rules++];
    const char *evaluator = ft__job_string(entry, "evaluator"),
               *cohort = ft__job_string(entry, "cohort");
    const char *mode = ft__job_string(entry, "mode");
    rule->line = entry->line;
    rule->place = ft__arena_printf(&job->arena, "gate.rules[%d]", index);
    if (!rule->place) return ft__fail_memory(err);
    rule->evaluator = ft__job_find_evaluator(job, evaluator);
    if (rule->evaluator < 0) {
        const char *near = ft__nearest(evaluator, job->evaluators, (size_t)job->n_evaluators,
                                       sizeof *job->evaluators);
        return ft__job_fail(job, err, rule->line, "%s: no evaluator is called \"%.100s\"%s%s%s",
                            rule->place, evaluator, near ? "; did you mean \"" : "",
                            near ? near : "", near ? "\"?" : "");
    }
    rule->cohort = cohort ? cohort : "*";
    rule->has_max_drop = ft__json_get(entry, "max_drop") != NULL;
    rule->has_min_gain = ft__json_get(entry, "min_gain") != NULL;
    rule->max_drop = ft__job_number(entry, "max_drop", 0);
    rule->min_gain = ft__job_number(entry, "min_gain", 0);
    if (!rule->has_max_drop && !rule->has_min_gain)
        return ft__job_fail(job, err, rule->line, "%s needs \"max_drop\" or \"min_gain\"",
                            rule->place);
    if (mode && strcmp(mode, "point") != 0)
        return ft__job_fail(job, err, rule->line, "\"%s.mode\" must be \"point\", found \"%.100s\"",
                            rule->place, mode);
    return FT_OK;
}

/* A probe is short for an evaluator on rows of its own and a rule about it. */
static ft_status ft__job_add_probe_rule(ft_job *job, const ft__json *probe, ft_error *err) {
    ft__rule *rule = &job->rules[job->n_rules++];
    rule->line = probe->line;
    rule->place = ft__arena_printf(&job->arena, "probes.%s", probe->key);
    rule->evaluator = ft__job_find_evaluator(job, probe->key);
    rule->cohort = ft__arena_printf(&job->arena, "%s%s", FT__PROBE_COHORT, probe->key);
    rule->has_max_drop = true;
    rule->max_drop = ft__job_number(probe, "max_drop", 0);
    return rule->place && rule->cohort ? FT_OK : ft__fail_memory(err);
}

static ft_status ft__job_read_gate(ft_job *job, ft_error *err) {
    const ft__json *gate = ft__json_get(job->tree, "gate");
    const ft__json *list = ft__json_get(gate, "rules"), *probes = ft__json_get(job->tree, "probes");
    size_t n = ft__job_count(list) + ft__job_count(probes);
    ft_status status = FT_OK;
    int index = 0;
    job->n_probes = (int)ft__job_count(probes);
    job->alpha = ft__job_number(gate, "alpha", 0.05);
    job->correction = ft__job_string(gate, "correction");
    if (!job->correction) job->correction = "holm";
    if (!n)
        return ft__job_fail(job, err, gate ? gate->line : job->tree->line,
                            "gate.rules is empty: nothing would be judged");
    job->rules = (ft__rule *)ft__arena_alloc(&job->arena, n, sizeof *job->rules);
    if (!job->rules) return ft__fail_memory(err);
    for (const ft__json *e = list ? list->child : NULL; e && !status; e = e->next)
        status = ft__job_add_rule(job, e, index++, err);
    for (const ft__json *p = probes ? probes->child : NULL; p && !status; p = p->next)
        status = ft__job_add_probe_rule(job, p, err);
    return status;
}

static ft_status ft__job_read_data(ft_job *job, ft_error *err) {
    const ft__json *list = ft__json_get(job->tree, "data"),
                   *probes = ft__json_get(job->tree, "probes");
    size_t n = ft__job_count(list) + ft__job_count(probes);
    const char *by = ft__job_string(job->tree, "cohort_by");
    job->cohort_by = by ? by : "cohort";
    if (!n) return ft__job_fail(job, err, job->tree->line, "\"data\" names no file");
    job->data = (ft__data_file *)ft__arena_alloc(&job->arena, n, sizeof *job->data);
    if (!job->data) return ft__fail_memory(err);
    for (const ft__json *e = list ? list->child : NULL; e; e = e->next) {
        ft__data_file *file = &job->data[job->n_data++];
        file->path = ft__path_beside(&job->arena, job->path, ft__job_string(e, "path"));
        file->fields = ft__json_get(e, "fields");
        file->probe = -1;
        file->line = e->line;
    }
    for (const ft__json *p = probes ? probes->child : NULL; p; p = p->next) {
        ft__data_file *file = &job->data[job->n_data++];
        file->path = ft__path_beside(&job->arena, job->path, ft__job_string(p, "path"));
        file->probe = ft__job_find_evaluator(job, p->key);
        file->line = p->line;
    }
    return job->arena.failed ? ft__fail_memory(err) : ft__dataset_read(job, err);
}

FT__PRIV bool ft__job_applies(const ft_job *job, int evaluator, const ft__data_row *row) {
    const ft__job_evaluator *e = &job->evaluators[evaluator];
    int probe = job->data[row->file].probe;
    if (e->probe || probe >= 0) return probe == evaluator;
    if (!e->n_cohorts) return true;
    for (int p = 0; p < e->n_cohorts; p++)
        for (int c = 0; c < row->n_cohorts; c++)
            if (ft__glob(e->cohorts[p], job->cohorts.names[row->cohorts[c]])) return true;
    return false;
}

/* A rule that could never judge a row is a mistake in the job, not a pass. */
static ft_status ft__job_check_rule(const ft_job *job, const ft__rule *rule, ft_error *err) {
    bool any = false;
    for (size_t c = 0; c < job->cohorts.n && !any; c++)
        any = ft__glob(rule->cohort, job->cohorts.names[c]);
    if (!any)
        return ft__job_fail(job, err, rule->line,
                            "%.120s: no row has a cohort that matches \"%.100s\"", rule->place,
                            rule->cohort);
    for (size_t i = 0; i < job->n_rows; i++) {
        const ft__data_row *row = &job->rows[i];
        if (!ft__job_applies(job, rule->evaluator, row)) continue;
        for (int c = 0; c < row->n_cohorts; c++)
            if (ft__glob(rule->cohort, job->cohorts.names[row->cohorts[c]])) return FT_OK;
    }
    return ft__job_fail(
        job, err, rule->line,
        "%.120s: the evaluator \"%.80s\" runs on no row of a cohort that matches \"%.80s\"",
        rule->place, job->evaluators[rule->evaluator].name, rule->cohort);
}

/* The file's name without folder and extension. */
static const char *ft__job_default_name(ft_job *job) {
    const char *slash = strrchr(job->path, '/'), *name = slash ? slash + 1 : job->path;
    const char *dot = strrchr(name, '.');
    return ft__arena_text(&job->arena, name,
                          dot && dot != name ? (size_t)(dot - name) : strlen(name));
}

static ft_status ft__job_read_names(ft_job *job, const ft_job_desc *desc, ft_error *err) {
    const char *output = ft__job_string(job->tree, "output");
    job->name = ft__job_string(job->tree, "name");
    if (!job->name) job->name = ft__job_default_name(job);
    if (desc->output)
        job->output = ft__arena_text(&job->arena, desc->output, strlen(desc->output));
    else if (output)
        job->output = ft__path_beside(&job->arena, job->path, output);
    return job->arena.failed ? ft__fail_memory(err) : FT_OK;
}

static ft_status ft__job_parse(ft_job *job, const ft_job_desc *desc, ft_error *err) {
    char *text = NULL;
    size_t n = 0;
    ft__json *tree = NULL;
    ft_status status = ft__read_file(job->path, &job->allocator, &text, &n, err);
    if (status) return status;
    status = ft__json_parse(text, n, job->path, 1, &job->arena, &tree, err);
    ft__free(&job->allocator, text);
    for (int i = 0; i < desc->n_sets && !status && tree->type == FT__JSON_OBJECT; i++)
        status = ft__job_set(tree, &job->arena, desc->sets[i], err);
    job->tree = tree;
    if (status) return status;
    ft__shape_context c = {FT_ERR_JOB, job->path, err};
    return ft__shape_check(&c, tree, &ft__job_shape);
}

static ft_status ft__job_read(ft_job *job, const ft_job_desc *desc, ft_error *err) {
    ft_status status = ft__job_parse(job, desc, err);
    if (!status) status = ft__job_check_sizes(job, err);
    if (!status) status = ft__job_read_names(job, desc, err);
    if (!status) status = ft__job_read_prompt(job, err);
    if (!status) status = ft__job_read_variants(job, err);
    if (!status) status = ft__job_read_generate(job, err);
    if (!status) status = ft__job_read_evaluators(job, err);
    if (!status) status = ft__job_read_gate(job, err);
    if (!status) status = ft__job_read_data(job, err);
    for (int i = 0; i < job->n_rules && !status; i++)
        status = ft__job_check_rule(job, &job->rules[i], err);
    return status;
}

ft_job *ft_job_load(const char *path, const ft_job_desc *desc, ft_error *err) {
    ft_job_desc defaults;
    memset(&defaults, 0, sizeof defaults);
    if (!desc) desc = &defaults;
    if (!path || !path[0] || desc->n_sets < 0 || (desc->n_sets && !desc->sets)) {
        ft__fail(err, FT_ERR_ARGUMENT, NULL,
                 "ft_job_load needs a path, and sets where n_sets is not 0");
        return NULL;
    }
    ft_allocator a = ft__allocator(&desc->allocator);
    ft_job *job = (ft_job *)ft__alloc_zero(&a, 1, sizeof *job);
    if (!job) {
        ft__fail_memory(err);
        return NULL;
    }
    job->allocator = a;
    ft__arena_init(&job->arena, &a);
    job->path = ft__arena_text(&job->arena, path, strlen(path));
    if (!job->path ? ft__fail_memory(err) : ft__job_read(job, desc, err)) {
        ft_job_free(job);
        return NULL;
    }
    return job;
}

void ft_job_free(ft_job *job) {
    if (!job) return;
    ft_allocator a = job->allocator;
    for (int i = 0; i < job->n_evaluators; i++) ft_evaluator_free(job->evaluators[i].handle);
    ft__free(&a, job->rows);
    ft__names_free(&job->cohorts, &a);
    ft__names_free(&job->ids, &a);
    ft__arena_free(&job->arena);
    ft__free(&a, job);
}
/* ---- end src/release/job.c */
/* ---- begin src/release/dataset.c */
/* The rows: JSONL files, one object a line.  Every field that ft knows is checked for its type,
   other people's names are mapped to ft's, and a bad line is an error with its place: no row is
   skipped. */

static const ft__shape ft__dataset_name = {"", FT__SHAPE_NAME, 0, 0, NULL, NULL};
static const ft__shape ft__dataset_text = {"", FT__SHAPE_STRING, 0, 0, NULL, NULL};
static const ft__shape ft__dataset_object = {"", FT__SHAPE_OBJECT, 0, 0, NULL, NULL};

/* The fields that ft knows; all others are kept for evaluators and cohorts.  null = absent. */
static const ft__shape ft__dataset_keys[] = {
    {"id", FT__SHAPE_NULL | FT__SHAPE_NAME, 0, 0, NULL, NULL},
    {"cohort", FT__SHAPE_NULL | FT__SHAPE_NAME | FT__SHAPE_LIST, 0, 0, NULL, &ft__dataset_name},
    {"prompt", FT__SHAPE_NULL | FT__SHAPE_STRING, 0, 0, NULL, NULL},
    {"messages", FT__SHAPE_NULL | FT__SHAPE_LIST, 0, 0, NULL, &ft__dataset_object},
    {"tools", FT__SHAPE_NULL | FT__SHAPE_LIST, 0, 0, NULL, &ft__dataset_object},
    {"expected", FT__SHAPE_ANY, -DBL_MAX, DBL_MAX, NULL, NULL},
    {"references", FT__SHAPE_NULL | FT__SHAPE_LIST, 0, 0, NULL, NULL},
    {"context", FT__SHAPE_NULL | FT__SHAPE_STRING | FT__SHAPE_LIST, 0, 0, NULL, &ft__dataset_text},
    {"schema", FT__SHAPE_NULL | FT__SHAPE_OBJECT | FT__SHAPE_BOOL, 0, 0, NULL, NULL},
    {"expected_tools", FT__SHAPE_NULL | FT__SHAPE_LIST, 0, 0, NULL, &ft__dataset_object},
    {"choices", FT__SHAPE_NULL | FT__SHAPE_LIST, 0, 0, NULL, &ft__dataset_text},
    {"answer", FT__SHAPE_NULL | FT__SHAPE_STRING | FT__SHAPE_NUMBER, -DBL_MAX, DBL_MAX, NULL, NULL},
    {"cluster", FT__SHAPE_NULL | FT__SHAPE_STRING | FT__SHAPE_NUMBER, -DBL_MAX, DBL_MAX, NULL,
     NULL},
    {"weight", FT__SHAPE_NULL | FT__SHAPE_NUMBER, 0, DBL_MAX, NULL, NULL},
    {"tags", FT__SHAPE_NULL | FT__SHAPE_OBJECT, 0, 0, NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL}};
static const ft__shape ft__dataset_row = {
    "", FT__SHAPE_OBJECT | FT__SHAPE_OPEN, 0, 0, ft__dataset_keys, NULL};

/* The file that is being read. */
typedef struct ft__dataset {
    ft_job *job;
    const ft__data_file *file;
    int file_index;
    const char *stem; /* of made ids */
    bool *mapped;     /* (members of fields) found in some row */
    ft__jsonl reader;
    ft_error *err;
} ft__dataset;

static ft_status ft__dataset_fail(const ft__dataset *d, const char *fmt, ...) FT__PRINTF(2, 3);
static ft_status ft__dataset_fail(const ft__dataset *d, const char *fmt, ...) {
    char message[sizeof d->err->message], where[384];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    return ft__fail(d->err, FT_ERR_DATA, ft__shape_where(d->file->path, d->reader.line, where),
                    "%s", message);
}

static ft_status ft__dataset_check_fields(const ft__dataset *d) {
    size_t n_known = FT__COUNT(ft__dataset_keys) - 1;
    for (const ft__json *f = d->file->fields ? d->file->fields->child : NULL; f; f = f->next) {
        size_t k = 0;
        while (k < n_known && strcmp(ft__dataset_keys[k].name, f->key) != 0) k++;
        if (k < n_known) continue;
        const char *near = ft__nearest(f->key, ft__dataset_keys, n_known, sizeof *ft__dataset_keys);
        return ft__job_fail(d->job, d->err, f->line, "\"fields\": ft has no field \"%.100s\"%s%s%s",
                            f->key, near ? "; did you mean \"" : "", near ? near : "",
                            near ? "\"?" : "");
    }
    return FT_OK;
}

static void ft__dataset_remove(ft__json *row, const char *key) {
    for (ft__json **at = &row->child; *at;) {
        if (ft__text_equal((*at)->key, (*at)->key_len, key, strlen(key))) {
            *at = (*at)->next;
            row->count--;
        } else {
            at = &(*at)->next;
        }
    }
}

/* Gives mapped fields ft's names.  All values are looked up before any is moved, so that a mapping
   may swap two names; a field of ft's own name that the job maps elsewhere is not what ft means by
   it. */
static ft_status ft__dataset_map_fields(ft__dataset *d, ft__json *row) {
    const ft__json *fields = d->file->fields;
    ft__json *first = NULL, **end = &first;
    size_t i = 0;
    for (const ft__json *f = fields->child; f; f = f->next, i++) {
        const ft__json *value = ft__json_path(row, f->text);
        if (!value) continue;
        d->mapped[i] = true;
        *end = (ft__json *)ft__arena_alloc(&d->job->arena, 1, sizeof **end);
        if (!*end) return ft__fail_memory(d->err);
        **end = *value;
        (*end)->key = f->key;
        (*end)->key_len = f->key_len;
        (*end)->next = NULL;
        end = &(*end)->next;
    }
    for (const ft__json *f = fields->child; f; f = f->next) ft__dataset_remove(row, f->key);
    end = &row->child;
    while (*end) end = &(*end)->next;
    *end = first;
    for (; first; first = first->next) row->count++;
    return FT_OK;
}

/* The name of a cohort as text: cohort_by may lead to a number or a bool. */
static const char *ft__dataset_cohort_name(const ft__json *value) {
    if (value->type == FT__JSON_TRUE) return "true";
    if (value->type == FT__JSON_FALSE) return "false";
    bool text = value->type == FT__JSON_STRING && strlen(value->text) == value->text_len;
    return (text && value->text_len) || value->type == FT__JSON_NUMBER ? value->text : NULL;
}

static ft_status ft__dataset_add_cohort(ft__dataset *d, ft__data_row *row, int *cohorts,
                                        const char *name) {
    ft_job *job = d->job;
    size_t index;
    bool is_new;
    if (!name)
        return ft__dataset_fail(
            d, "\"%.100s\" must be a string or a list of strings, none of them empty",
            job->cohort_by);
    if (strcmp(name, FT__EVERY_ROW) == 0)
        return ft__dataset_fail(d, "no cohort may be called \"%s\"", FT__EVERY_ROW);
    if (!ft__names_add(&job->cohorts, &job->allocator, name, &index, &is_new))
        return ft__fail_memory(d->err);
    if (job->cohorts.n > INT_MAX / 2) return ft__dataset_fail(d, "too many cohorts");
    for (int i = 0; i < row->n_cohorts; i++)
        if (cohorts[i] == (int)index) return FT_OK;
    cohorts[row->n_cohorts++] = (int)index;
    return FT_OK;
}

static ft_status ft__dataset_cohorts(ft__dataset *d, ft__data_row *row) {
    ft_job *job = d->job;
    const ft__json *value = ft__json_path(row->row.value, job->cohort_by);
    if (value && value->type == FT__JSON_NULL) value = NULL;
    const ft__job_evaluator *probe = d->file->probe < 0 ? NULL : &job->evaluators[d->file->probe];
    bool list = !probe && value && value->type == FT__JSON_ARRAY;
    if (list && !value->count)
        return ft__dataset_fail(d, "\"%.100s\" is an empty list", job->cohort_by);
    int *cohorts = (int *)ft__arena_alloc(&job->arena, list ? value->count : 1, sizeof *cohorts);
    if (!cohorts) return ft__fail_memory(d->err);
    row->cohorts = cohorts;
    if (probe) {
        const char *name = ft__arena_printf(&job->arena, "%s%s", FT__PROBE_COHORT, probe->name);
        return name ? ft__dataset_add_cohort(d, row, cohorts, name) : ft__fail_memory(d->err);
    }
    if (!value) return ft__dataset_add_cohort(d, row, cohorts, FT__ALL_COHORT);
    job->cohort_by_found = true;
    if (!list) return ft__dataset_add_cohort(d, row, cohorts, ft__dataset_cohort_name(value));
    ft_status status = FT_OK;
    for (const ft__json *e = value->child; e && !status; e = e->next)
        status = ft__dataset_add_cohort(d, row, cohorts, ft__dataset_cohort_name(e));
    return status;
}

static ft_status ft__dataset_id(ft__dataset *d, ft__data_row *row) {
    ft_job *job = d->job;
    const ft__json *id = ft__row_get(&row->row, "id");
    size_t index;
    bool is_new;
    row->id = id ? id->text : ft__arena_printf(&job->arena, "%s:%u", d->stem, (unsigned)row->line);
    if (!row->id || !ft__names_add(&job->ids, &job->allocator, row->id, &index, &is_new))
        return ft__fail_memory(d->err);
    if (is_new) return FT_OK;
    const ft__data_row *other = &job->rows[index]; /* ids and rows go in step */
    return ft__dataset_fail(d, "the id \"%.100s\" is taken by %.120s:%u", row->id,
                            job->data[other->file].path, (unsigned)other->line);
}

static ft_status ft__dataset_prompt(const ft__dataset *d, ft__data_row *row) {
    const ft__json *prompt = ft__row_get(&row->row, "prompt");
    const ft__json *mapped = d->file->fields ? ft__json_get(d->file->fields, "prompt") : NULL;
    if (ft__row_get(&row->row, "messages"))
        return ft__dataset_fail(
            d, "\"messages\" need chat templates, which are not in this version; give "
               "\"prompt\"");
    if (!prompt && mapped)
        return ft__dataset_fail(d, "\"%.100s\" (the prompt) is missing", mapped->text);
    if (!prompt) return ft__dataset_fail(d, "\"prompt\" is missing");
    const ft__json *weight = ft__row_get(&row->row, "weight");
    row->weight = weight ? weight->number : 1;
    row->prompt = prompt->text;
    row->prompt_len = prompt->text_len;
    return FT_OK;
}

static ft_status ft__dataset_add(ft__dataset *d, ft__json *json) {
    ft_job *job = d->job;
    ft__shape_context c = {FT_ERR_DATA, d->file->path, d->err};
    ft__data_row row;
    memset(&row, 0, sizeof row);
    row.file = d->file_index;
    row.line = d->reader.line;
    row.row.value = json;
    if (!ft__grow(&job->allocator, (void **)&job->rows, &job->cap_rows, job->n_rows + 1,
                  sizeof row))
        return ft__fail_memory(d->err);
    ft_status status = FT_OK;
    if (d->file->fields && json->type == FT__JSON_OBJECT) status = ft__dataset_map_fields(d, json);
    if (!status) status = ft__shape_check(&c, json, &ft__dataset_row);
    if (!status) status = ft__dataset_prompt(d, &row);
    if (!status) status = ft__dataset_id(d, &row);
    if (!status) status = ft__dataset_cohorts(d, &row);
    if (!status) job->rows[job->n_rows++] = row;
    return status;
}

static ft_status ft__dataset_lines(ft__dataset *d) {
    const ft__json *fields = d->file->fields;
    size_t before = d->job->n_rows, i = 0;
    for (;;) {
        ft__json *value = NULL;
        ft_status status = ft__jsonl_next(&d->reader, &d->job->arena, &value, d->err);
        if (status == FT_ERR_FORMAT && d->err) d->err->code = FT_ERR_DATA;
        if (status == FT_ERR_FORMAT) return FT_ERR_DATA;
        if (status) return status;
        if (!value) break;
        status = ft__dataset_add(d, value);
        if (status) return status;
    }
    if (d->job->n_rows == before)
        return ft__fail(d->err, FT_ERR_DATA, d->file->path, "the file holds no rows");
    for (const ft__json *f = fields ? fields->child : NULL; f; f = f->next, i++)
        if (!d->mapped[i])
            return ft__job_fail(d->job, d->err, f->line,
                                "\"fields\": no row of %.150s has \"%.100s\"", d->file->path,
                                f->text);
    return FT_OK;
}

static ft_status ft__dataset_file(ft_job *job, int index, ft_error *err) {
    ft__data_file *file = &job->data[index];
    const char *slash = strrchr(file->path, '/'), *name = slash ? slash + 1 : file->path;
    const char *dot = strrchr(name, '.');
    ft__dataset d;
    char *text = NULL;
    size_t n = 0;
    memset(&d, 0, sizeof d);
    d.job = job;
    d.file = file;
    d.file_index = index;
    d.err = err;
    d.stem =
        ft__arena_text(&job->arena, name, dot && dot != name ? (size_t)(dot - name) : strlen(name));
    d.mapped =
        (bool *)ft__arena_alloc(&job->arena, file->fields ? file->fields->count : 0, sizeof(bool));
    if (!d.stem || !d.mapped) return ft__fail_memory(err);
    ft_status status = ft__dataset_check_fields(&d);
    if (!status) status = ft__read_file(file->path, &job->allocator, &text, &n, err);
    if (status) return status;
    ft__sha256_hex(text, n, file->digest);
    ft__jsonl_init(&d.reader, text, n, file->path);
    status = ft__dataset_lines(&d);
    ft__free(&job->allocator, text);
    return status;
}

FT__PRIV ft_status ft__dataset_read(ft_job *job, ft_error *err) {
    const ft__json *by = ft__json_get(job->tree, "cohort_by");
    ft_status status = FT_OK;
    for (int i = 0; i < job->n_data && !status; i++) status = ft__dataset_file(job, i, err);
    if (!status && by && !job->cohort_by_found && strcmp(by->text, "cohort") != 0)
        return ft__job_fail(job, err, by->line, "\"cohort_by\": no row has \"%.100s\"", by->text);
    return status;
}
/* ---- end src/release/dataset.c */
/* ---- begin src/release/gate.c */
/* The gate.  A rule becomes one check per cohort that it matches and per candidate; a check
   compares the paired difference of means with what the rule allows.  A row that could not be
   scored blocks, since the average of the others would hide it. */

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
/* ---- end src/release/gate.c */
/* ---- begin src/release/compare.c */
/* The comparison.  Everything is loaded and checked before the first token is made: models,
   adapters, every prompt against the context.  Then each model answers all rows under all of its
   variants in one batch, the answers are scored, the scores are summed up per cohort and judged,
   and the run folder is written, result.json last. */

typedef struct ft__compare_model {
    ft_model *model;
    const int32_t **prompts; /* (n_rows) tokens */
    int *n_prompt;           /* (n_rows) */
    int longest;
} ft__compare_model;

typedef struct ft__compare {
    const ft_job *job;
    const ft_compare_desc *desc;
    ft_result *r;
    ft_error *err;
    ft__arena arena;           /* of what the result does not keep */
    ft__compare_model *models; /* (n_models) */
    ft_adapter **adapters;     /* (n_variants), NULL without one */
    double started;
    ft_progress progress;
} ft__compare;

/* ---- the result's arrays */

FT__PRIV ft__answer *ft__result_answer(const ft_result *r, size_t row, int variant, int repeat) {
    size_t at = row * (size_t)r->job->n_variants + (size_t)variant;
    return &r->answers[at * (size_t)r->job->repeat + (size_t)repeat];
}

FT__PRIV ft__row_score *ft__result_score(const ft_result *r, int evaluator, size_t row,
                                         int variant) {
    size_t at = (size_t)evaluator * r->job->n_rows + row;
    return &r->scores[at * (size_t)r->job->n_variants + (size_t)variant];
}

FT__PRIV const char *ft__result_cohort(const ft_result *r, int cohort) {
    return (size_t)cohort < r->job->cohorts.n ? r->job->cohorts.names[cohort] : FT__EVERY_ROW;
}

/* Every evaluator counts every row, if only as not applicable. */
FT__PRIV int ft__result_cohort_rows(const ft_result *r, int cohort) {
    const ft__numbers *n = ft__table_at(&r->table, 0, cohort, 0);
    return n->n_scored + n->n_error + n->n_missing + n->n_not_applicable;
}

static ft_status ft__compare_allocate(ft__compare *c) {
    const ft_job *job = c->job;
    ft_result *r = c->r;
    size_t n_v = (size_t)job->n_variants, n_e = (size_t)job->n_evaluators, answers, scores, cells;
    if (!ft__mul_size(job->n_rows, n_v, &answers) ||
        !ft__mul_size(answers, (size_t)job->repeat, &answers) ||
        !ft__mul_size(job->n_rows, n_v, &scores) || !ft__mul_size(scores, n_e, &scores) ||
        !ft__mul_size(job->cohorts.n + 1, n_v, &cells) || !ft__mul_size(cells, n_e, &cells) ||
        answers > INT_MAX)
        return ft__fail(c->err, FT_ERR_LIMIT, job->path,
                        "too many rows, variants and repeats for one run");
    r->answers = (ft__answer *)ft__arena_alloc(&r->arena, answers, sizeof *r->answers);
    r->scores = (ft__row_score *)ft__arena_alloc(&r->arena, scores, sizeof *r->scores);
    r->higher_is_better = (bool *)ft__arena_alloc(&r->arena, n_e, sizeof(bool));
    r->model_digests = (char(*)[65])ft__arena_alloc(&r->arena, (size_t)job->n_models, 65);
    r->adapter_digests = (char(*)[65])ft__arena_alloc(&r->arena, n_v, 65);
    r->answer_digests = (char(*)[65])ft__arena_alloc(&r->arena, n_v, 65);
    r->table.n_evaluators = job->n_evaluators;
    r->table.n_cohorts = (int)job->cohorts.n + 1;
    r->table.n_variants = job->n_variants;
    r->table.cells = (ft__numbers *)ft__arena_alloc(&r->arena, cells, sizeof *r->table.cells);
    c->models =
        (ft__compare_model *)ft__arena_alloc(&c->arena, (size_t)job->n_models, sizeof *c->models);
    c->adapters = (ft_adapter **)ft__arena_alloc(&c->arena, n_v, sizeof *c->adapters);
    if (r->arena.failed || c->arena.failed) return ft__fail_memory(c->err);
    for (int e = 0; e < job->n_evaluators; e++)
        r->higher_is_better[e] = ft_evaluator_get_info(job->evaluators[e].handle)->higher_is_better;
    c->progress.total = answers;
    return FT_OK;
}

/* ---- loading and checking */

static ft_status ft__compare_digest(ft__compare *c, const char *path, char hex[65]) {
    ft__mapping file;
    ft_status status = ft__map_file(path, &file, c->err);
    if (status) return status;
    ft__sha256_hex(file.data, file.size, hex);
    ft__unmap(&file);
    return FT_OK;
}

/* Tokens of every prompt, and whether the context holds them with what is to be generated. */
static ft_status ft__compare_tokenize(ft__compare *c, ft__compare_model *m) {
    const ft_job *job = c->job;
    ft_model_info info = ft_model_get_info(m->model);
    size_t cap = 0, n = 0;
    int32_t *scratch = NULL;
    char where[384];
    ft_status status = FT_OK;
    m->prompts = (const int32_t **)ft__arena_alloc(&c->arena, job->n_rows, sizeof *m->prompts);
    m->n_prompt = (int *)ft__arena_alloc(&c->arena, job->n_rows, sizeof *m->n_prompt);
    if (c->arena.failed) return ft__fail_memory(c->err);
    for (size_t i = 0; i < job->n_rows && !status; i++) {
        const ft__data_row *row = &job->rows[i];
        ft__shape_where(job->data[row->file].path, row->line, where);
        if (!ft__grow(&job->allocator, (void **)&scratch, &cap, 3 * row->prompt_len + 3,
                      sizeof *scratch)) {
            status = ft__fail_memory(c->err);
            break;
        }
        status = ft_tokenize(m->model, row->prompt, row->prompt_len, FT_TOKENIZE_DEFAULT, scratch,
                             cap, &n, c->err);
        if (status) break;
        if (n + (size_t)job->max_tokens > (size_t)info.n_ctx)
            status =
                ft__fail(c->err, FT_ERR_CONTEXT, where,
                         "the prompt has %llu tokens and max_tokens is %d, but the model's context "
                         "holds %d",
                         (unsigned long long)n, job->max_tokens, info.n_ctx);
        else if (!n)
            status = ft__fail(c->err, FT_ERR_DATA, where, "the prompt gives no tokens");
        if (status) break;
        int32_t *tokens = (int32_t *)ft__arena_alloc(&c->arena, n, sizeof *tokens);
        if (!tokens) {
            status = ft__fail_memory(c->err);
            break;
        }
        memcpy(tokens, scratch, n * sizeof *tokens);
        m->prompts[i] = tokens;
        m->n_prompt[i] = (int)n;
        if ((int)n > m->longest) m->longest = (int)n;
    }
    ft__free(&job->allocator, scratch);
    return status;
}

static ft_status ft__compare_load(ft__compare *c) {
    const ft_job *job = c->job;
    ft_model_desc desc;
    ft_error mine, *err = c->err ? c->err : &mine;
    ft_status status = FT_OK;
    memset(&desc, 0, sizeof desc);
    desc.allocator = job->allocator;
    for (int m = 0; m < job->n_models && !status; m++) {
        status = ft__compare_digest(c, job->models[m], c->r->model_digests[m]);
        if (status) break;
        c->models[m].model = ft_model_load(job->models[m], &desc, err);
        status = c->models[m].model ? ft__compare_tokenize(c, &c->models[m]) : err->code;
    }
    for (int v = 0; v < job->n_variants && !status; v++) {
        const ft__variant *variant = &job->variants[v];
        if (!variant->adapter) continue;
        status = ft__compare_digest(c, variant->adapter, c->r->adapter_digests[v]);
        if (status) break;
        c->adapters[v] = ft_adapter_load(c->models[variant->model].model, variant->adapter, err);
        if (!c->adapters[v]) status = err->code;
    }
    return status;
}

/* ---- answering */

static uint64_t ft__compare_first_8(const ft__sha256 *hash) {
    ft__sha256 h = *hash;
    uint8_t digest[32];
    uint64_t key = 0;
    ft__sha256_end(&h, digest);
    for (int i = 7; i >= 0; i--) key = key << 8 | digest[i];
    return key;
}

static void ft__compare_add_u32(ft__sha256 *h, uint32_t x) {
    uint8_t bytes[4] = {(uint8_t)x, (uint8_t)(x >> 8), (uint8_t)(x >> 16), (uint8_t)(x >> 24)};
    ft__sha256_add(h, bytes, 4);
}

/* What a row's random draws depend on: its id and which repetition it is, never its neighbours. */
static uint64_t ft__compare_key(const char *name, int repeat) {
    ft__sha256 h;
    ft__sha256_init(&h);
    ft__sha256_add(&h, name, strlen(name));
    if (repeat) ft__compare_add_u32(&h, (uint32_t)repeat);
    return ft__compare_first_8(&h);
}

static int ft__compare_done(void *user, int request) {
    ft__compare *c = (ft__compare *)user;
    (void)request;
    c->progress.done++;
    c->progress.seconds = ft__seconds() - c->started;
    return c->desc->progress ? c->desc->progress(c->desc->user, &c->progress) : 0;
}

/* One model's share of the work. */
typedef struct ft__compare_batch {
    ft_session *session;
    int *variants;         /* (n) of the job */
    int *session_variants; /* (n) what the session calls them */
    uint64_t *keys;        /* of random draws */
    int n;
    ft_request *requests; /* rows outermost, then variants, then repeats */
    ft_completion *completions;
    int n_requests;
} ft__compare_batch;

static ft_status ft__compare_open(ft__compare *c, int m, ft__compare_batch *b) {
    const ft_job *job = c->job;
    ft_session_desc desc;
    ft_error mine, *err = c->err ? c->err : &mine;
    size_t n_v = (size_t)job->n_variants;
    memset(b, 0, sizeof *b);
    b->variants = (int *)ft__arena_alloc(&c->arena, n_v, sizeof *b->variants);
    b->session_variants = (int *)ft__arena_alloc(&c->arena, n_v, sizeof *b->session_variants);
    b->keys = (uint64_t *)ft__arena_alloc(&c->arena, n_v, sizeof *b->keys);
    if (c->arena.failed) return ft__fail_memory(err);
    memset(&desc, 0, sizeof desc);
    desc.threads = c->desc->threads;
    desc.n_ctx = c->models[m].longest + job->max_tokens;
    b->session = ft_session_create(c->models[m].model, &desc, err);
    if (!b->session) return err->code;
    for (int v = 0; v < job->n_variants; v++) {
        ft_adapter_use use = {c->adapters[v], (float)job->variants[v].scale};
        ft_status status = FT_OK;
        if (job->variants[v].model != m) continue;
        if (use.adapter)
            status = ft_session_add_variant(b->session, &use, 1, &b->session_variants[b->n], err);
        if (status) return status;
        b->keys[b->n] = ft__compare_key(job->variants[v].name, 0);
        b->variants[b->n++] = v;
    }
    return FT_OK;
}

static ft_status ft__compare_requests(ft__compare *c, int m, ft__compare_batch *b) {
    const ft_job *job = c->job;
    size_t n =
        job->n_rows * (size_t)b->n * (size_t)job->repeat; /* fits: see ft__compare_allocate */
    b->requests = (ft_request *)ft__arena_alloc(&c->arena, n, sizeof *b->requests);
    b->completions = (ft_completion *)ft__arena_alloc(&c->arena, n, sizeof *b->completions);
    if (c->arena.failed) return ft__fail_memory(c->err);
    for (size_t i = 0; i < job->n_rows; i++) {
        for (int v = 0; v < b->n; v++) {
            for (int k = 0; k < job->repeat; k++) {
                ft_request *q = &b->requests[b->n_requests++];
                q->variant = b->session_variants[v];
                q->prompt = c->models[m].prompts[i];
                q->n_prompt = c->models[m].n_prompt[i];
                q->max_tokens = job->max_tokens;
                q->sampling = job->sampling;
                q->row = ft__compare_key(job->rows[i].id, k);
                q->variant_key = b->keys[v];
                q->stops = job->stops;
                q->n_stops = job->n_stops;
            }
        }
    }
    return FT_OK;
}

/* The completions belong to the session; what they say is copied. */
static ft_status ft__compare_keep(ft__compare *c, const ft__compare_batch *b) {
    ft_result *r = c->r;
    int repeat = c->job->repeat;
    for (int q = 0; q < b->n_requests; q++) {
        const ft_completion *done = &b->completions[q];
        size_t row = (size_t)(q / repeat / b->n), n = (size_t)done->n_tokens;
        ft__answer *answer = ft__result_answer(r, row, b->variants[q / repeat % b->n], q % repeat);
        int32_t *tokens = (int32_t *)ft__arena_alloc(&r->arena, n, sizeof *tokens);
        answer->text = ft__arena_text(&r->arena, done->text, done->text_len);
        if (!tokens || !answer->text) return ft__fail_memory(c->err);
        if (n) memcpy(tokens, done->tokens, n * sizeof *tokens);
        answer->tokens = tokens;
        answer->n_tokens = done->n_tokens;
        answer->text_len = done->text_len;
        answer->n_prompt = b->requests[q].n_prompt;
        answer->finish = done->finish;
        r->timing.n_prompt_tokens += answer->n_prompt;
        r->timing.n_new_tokens += answer->n_tokens;
    }
    return FT_OK;
}

static ft_status ft__compare_generate(ft__compare *c, int m) {
    ft__compare_batch b;
    ft_generate_hooks hooks = {c, ft__compare_done, NULL};
    ft_status status = ft__compare_open(c, m, &b);
    if (!status) status = ft__compare_requests(c, m, &b);
    if (!status)
        status =
            ft_session_generate(b.session, b.requests, b.n_requests, b.completions, &hooks, c->err);
    if (!status) {
        status = ft__compare_keep(c, &b);
        ft_completions_free(b.session, b.completions, b.n_requests);
    }
    ft_session_free(b.session);
    return status;
}

/* Over all answers in the order of the rows: the row's id, which repetition, tokens, text. */
static void ft__compare_answer_digest(const ft_result *r, int variant, char hex[65]) {
    ft__sha256 h;
    uint8_t digest[32];
    ft__sha256_init(&h);
    for (size_t i = 0; i < r->job->n_rows; i++) {
        for (int k = 0; k < r->job->repeat; k++) {
            const ft__answer *answer = ft__result_answer(r, i, variant, k);
            const char *id = r->job->rows[i].id;
            ft__sha256_add(&h, id, strlen(id) + 1);
            ft__compare_add_u32(&h, (uint32_t)k);
            ft__compare_add_u32(&h, (uint32_t)answer->finish);
            ft__compare_add_u32(&h, (uint32_t)answer->n_tokens);
            for (int t = 0; t < answer->n_tokens; t++)
                ft__compare_add_u32(&h, (uint32_t)answer->tokens[t]);
            ft__compare_add_u32(&h, (uint32_t)answer->text_len);
            ft__sha256_add(&h, answer->text, answer->text_len);
        }
    }
    ft__sha256_end(&h, digest);
    ft__hex(digest, 32, hex);
}

/* ---- scoring */

/* One answer under every evaluator. */
static ft_status ft__compare_evaluate(ft__compare *c, size_t row, const ft__answer *answer,
                                      ft_score *scores) {
    const ft_job *job = c->job;
    for (int e = 0; e < job->n_evaluators; e++) {
        ft_score *s = &scores[e];
        memset(s, 0, sizeof *s);
        s->state = FT_NOT_APPLICABLE;
        if (!ft__job_applies(job, e, &job->rows[row])) continue;
        ft_status status = ft_evaluate(job->evaluators[e].handle, &job->rows[row].row, answer->text,
                                       answer->text_len, s, c->err);
        if (status) return status;
        if (s->state == FT_SCORED && !ft__finite(s->value)) {
            s->state = FT_SCORE_ERROR;
            snprintf(s->detail, sizeof s->detail, "the score is not a finite number");
        }
    }
    return FT_OK;
}

/* Adds one repetition to the row's score; the gravest state wins. */
static ft_status ft__compare_add_score(ft__compare *c, ft__row_score *sum, const ft_score *s,
                                       bool first) {
    static const int gravity[] = {0, 3, 1, 2}; /* scored, error, not applicable, missing */
    if (first || gravity[s->state] > gravity[sum->state]) {
        sum->state = s->state;
        sum->detail = "";
        if (s->state == FT_SCORE_ERROR || s->state == FT_MISSING)
            sum->detail = ft__arena_text(&c->r->arena, s->detail, strlen(s->detail));
        if (!sum->detail) return ft__fail_memory(c->err);
    }
    if (s->state != FT_SCORED) return FT_OK;
    sum->value += s->value;
    sum->pass += s->pass ? 1 : 0;
    return FT_OK;
}

static ft_status ft__compare_score_row(ft__compare *c, size_t row, int variant, ft_score *scores,
                                       ft__writer *journal, ft__buf *line) {
    const ft_job *job = c->job;
    for (int k = 0; k < job->repeat; k++) {
        ft_status status =
            ft__compare_evaluate(c, row, ft__result_answer(c->r, row, variant, k), scores);
        for (int e = 0; e < job->n_evaluators && !status; e++)
            status = ft__compare_add_score(c, ft__result_score(c->r, e, row, variant), &scores[e],
                                           k == 0);
        if (status) return status;
        if (!journal) continue;
        line->len = 0;
        ft__journal_row(c->r, row, variant, k, scores, line);
        status = line->failed ? ft__fail_memory(c->err)
                              : ft__writer_add(journal, line->data, line->len, c->err);
        if (status) return status;
    }
    for (int e = 0; e < job->n_evaluators; e++) {
        ft__row_score *sum = ft__result_score(c->r, e, row, variant);
        sum->value /= job->repeat;
        sum->pass /= job->repeat;
    }
    return FT_OK;
}

static ft_status ft__compare_score_all(ft__compare *c, ft__writer *journal) {
    const ft_job *job = c->job;
    ft_status status = FT_OK;
    ft__buf line;
    ft_score *scores =
        (ft_score *)ft__arena_alloc(&c->arena, (size_t)job->n_evaluators, sizeof *scores);
    if (!scores) return ft__fail_memory(c->err);
    ft__buf_init(&line, &job->allocator);
    for (size_t i = 0; i < job->n_rows && !status; i++)
        for (int v = 0; v < job->n_variants && !status; v++)
            status = ft__compare_score_row(c, i, v, scores, journal, &line);
    ft__buf_free(&line);
    return status;
}

static ft_status ft__compare_score(ft__compare *c) {
    const ft_job *job = c->job;
    ft__writer journal;
    if (!job->output) return ft__compare_score_all(c, NULL);
    const char *path = ft__path_join(&c->arena, job->output, "rows.jsonl");
    if (!path) return ft__fail_memory(c->err);
    ft_status status = ft__writer_open(&journal, path, &job->allocator, c->err);
    if (status) return status;
    status = ft__compare_score_all(c, &journal);
    if (!status) return ft__writer_commit(&journal, c->err);
    ft__writer_abort(&journal);
    return status;
}

/* ---- summing up.  Means are sums here, in the order of the rows, until the end. */

static void ft__compare_count(ft__numbers *n, const ft__row_score *s, double weight) {
    switch (s->state) {
    case FT_SCORED:
        n->n_scored++;
        n->weight += weight;
        n->mean += weight * s->value;
        n->pass += weight * s->pass;
        break;
    case FT_SCORE_ERROR: n->n_error++; break;
    case FT_MISSING: n->n_missing++; break;
    case FT_NOT_APPLICABLE: n->n_not_applicable++; break;
    }
}

FT__PRIV bool ft__row_unscored(const ft__row_score *s) {
    return s->state == FT_SCORE_ERROR || s->state == FT_MISSING;
}

static void ft__compare_pair(ft__numbers *n, const ft__row_score *base, const ft__row_score *s,
                             double weight, bool higher) {
    if (ft__row_unscored(base) || ft__row_unscored(s)) {
        n->n_unscored++;
    } else if (base->state == FT_SCORED && s->state == FT_SCORED) {
        double difference = s->value - base->value, gain = higher ? difference : -difference;
        n->n_pairs++;
        n->pair_weight += weight;
        n->difference += weight * difference;
        if (gain > 0)
            n->wins++;
        else if (gain < 0)
            n->losses++;
        else
            n->ties++;
    }
}

static void ft__compare_sum_row(const ft_result *r, int evaluator, size_t row, int cohort) {
    const ft__row_score *base = ft__result_score(r, evaluator, row, 0);
    const double weight = r->job->rows[row].weight;
    for (int v = 0; v < r->job->n_variants; v++) {
        const ft__row_score *s = ft__result_score(r, evaluator, row, v);
        ft__numbers *n = ft__table_at(&r->table, evaluator, cohort, v);
        if (weight == 0) {
            n->n_not_applicable++;
            continue;
        }
        ft__compare_count(n, s, weight);
        ft__compare_pair(n, base, s, weight, r->higher_is_better[evaluator]);
    }
}

static void ft__compare_sum_up(const ft_result *r) {
    const ft_job *job = r->job;
    for (int e = 0; e < job->n_evaluators; e++) {
        for (size_t i = 0; i < job->n_rows; i++) {
            const ft__data_row *row = &job->rows[i];
            for (int c = 0; c < row->n_cohorts; c++) ft__compare_sum_row(r, e, i, row->cohorts[c]);
            ft__compare_sum_row(r, e, i, (int)job->cohorts.n);
        }
        for (int c = 0; c < r->table.n_cohorts; c++) {
            for (int v = 0; v < job->n_variants; v++) {
                ft__numbers *n = ft__table_at(&r->table, e, c, v);
                if (n->n_scored) n->mean /= n->weight, n->pass /= n->weight;
                if (n->n_pairs) n->difference /= n->pair_weight;
            }
        }
    }
}

static ft_status ft__compare_judge(ft__compare *c) {
    const ft_job *job = c->job;
    ft__gate_in in;
    memset(&in, 0, sizeof in);
    const char **names =
        (const char **)ft__arena_alloc(&c->arena, (size_t)job->n_evaluators, sizeof *names);
    if (!names) return ft__fail_memory(c->err);
    for (int e = 0; e < job->n_evaluators; e++) names[e] = job->evaluators[e].name;
    in.file = job->path;
    in.rules = job->rules;
    in.n_rules = job->n_rules;
    in.cohorts = job->cohorts.names;
    in.n_cohorts = (int)job->cohorts.n;
    in.evaluators = names;
    in.higher_is_better = c->r->higher_is_better;
    in.table = c->r->table;
    return ft__gate(&in, &c->r->arena, &c->r->gate, c->err);
}

/* ---- the whole */

static ft_status ft__compare_run(ft__compare *c) {
    const ft_job *job = c->job;
    ft_result *r = c->r;
    ft__timing *t = &r->timing;
    ft_status status = ft__journal_clear(job, &c->arena, c->err);
    if (!status) status = ft__compare_allocate(c);
    if (!status) status = ft__compare_load(c);
    if (!status) status = ft__journal_begin(r, c->err);
    t->load_s = ft__seconds() - c->started;
    for (int m = 0; m < job->n_models && !status; m++) status = ft__compare_generate(c, m);
    t->generate_s = ft__seconds() - c->started - t->load_s;
    if (!status) status = ft__compare_score(c);
    if (status) return status;
    ft__compare_sum_up(r);
    for (int v = 0; v < job->n_variants; v++) ft__compare_answer_digest(r, v, r->answer_digests[v]);
    status = ft__compare_judge(c);
    if (!status) status = ft__journal_result(r, c->err);
    t->total_s = ft__seconds() - c->started;
    t->score_s = t->total_s - t->generate_s - t->load_s;
    t->threads = c->desc->threads > 0 ? c->desc->threads : ft__cpu_count();
    return status ? status : ft__journal_end(r, c->err);
}

static void ft__compare_close(ft__compare *c) {
    for (int v = 0; c->adapters && v < c->job->n_variants; v++) ft_adapter_free(c->adapters[v]);
    for (int m = 0; c->models && m < c->job->n_models; m++) ft_model_free(c->models[m].model);
    ft__arena_free(&c->arena);
}

ft_result *ft_compare(const ft_job *job, const ft_compare_desc *desc, ft_error *err) {
    ft_compare_desc defaults;
    ft__compare c;
    memset(&defaults, 0, sizeof defaults);
    memset(&c, 0, sizeof c);
    if (!job || (desc && desc->threads < 0)) {
        ft__fail(err, FT_ERR_ARGUMENT, NULL,
                 "ft_compare needs a job, and not a negative number of threads");
        return NULL;
    }
    ft_result *r = (ft_result *)ft__alloc_zero(&job->allocator, 1, sizeof *r);
    if (!r) {
        ft__fail_memory(err);
        return NULL;
    }
    r->allocator = job->allocator;
    r->job = job;
    ft__arena_init(&r->arena, &job->allocator);
    ft__buf_init(&r->json, &job->allocator);
    ft__arena_init(&c.arena, &job->allocator);
    c.job = job;
    c.desc = desc ? desc : &defaults;
    c.r = r;
    c.err = err;
    c.started = ft__seconds();
    ft_status status = ft__compare_run(&c);
    ft__compare_close(&c);
    if (!status) return r;
    ft_result_free(r);
    return NULL;
}

void ft_result_free(ft_result *result) {
    if (!result) return;
    ft_allocator a = result->allocator;
    ft__buf_free(&result->json);
    ft__arena_free(&result->arena);
    ft__free(&a, result);
}

ft_verdict ft_result_verdict(const ft_result *result) { return result->gate.verdict; }
const char *ft_result_digest(const ft_result *result) { return result->digest; }

const char *ft_result_json(const ft_result *result, size_t *n_bytes) {
    if (n_bytes) *n_bytes = result->json.len;
    return result->json.data;
}
/* ---- end src/release/compare.c */
/* ---- begin src/release/journal.c */
/* The run folder: job.json, rows.jsonl, timing.json and, when all else is there, result.json.  What
   may differ from machine to machine (paths, times, threads) stands in job.json and timing.json
   alone; result.json and rows.jsonl are the same bytes wherever the same job gives the same
   answers. */

#include <sys/stat.h>
#include <unistd.h> /* getcwd */

static bool ft__journal_same_file(const char *a, const char *b) {
    struct stat sa, sb;
    return a && stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

/* The run folder may be any folder, also one where the job's own files lie: those are not ours. */
static bool ft__journal_is_input(const ft_job *job, const char *path) {
    bool same = ft__journal_same_file(job->path, path);
    for (int i = 0; i < job->n_data && !same; i++)
        same = ft__journal_same_file(job->data[i].path, path);
    for (int i = 0; i < job->n_models && !same; i++)
        same = ft__journal_same_file(job->models[i], path);
    for (int i = 0; i < job->n_variants && !same; i++)
        same = ft__journal_same_file(job->variants[i].adapter, path);
    return same;
}

FT__PRIV ft_status ft__journal_clear(const ft_job *job, ft__arena *arena, ft_error *err) {
    static const char *const names[] = {"job.json", "result.json", "rows.jsonl", "timing.json"};
    const char *paths[FT__COUNT(names)];
    ft_status status = FT_OK;
    if (!job->output) return FT_OK;
    for (size_t i = 0; i < FT__COUNT(names); i++) {
        paths[i] = ft__path_join(arena, job->output, names[i]);
        if (!paths[i]) return ft__fail_memory(err);
        if (ft__journal_is_input(job, paths[i]))
            return ft__fail(err, FT_ERR_JOB, paths[i],
                            "the run folder's %s would replace a file that the job reads; choose "
                            "another \"output\"",
                            names[i]);
    }
    for (size_t i = 1; i < FT__COUNT(names) && !status; i++)
        status = ft__remove_file(paths[i], err);
    return status;
}

/* ---- small words of JSON */

static void ft__journal_text(ft__json_writer *w, const char *key, const char *text) {
    ft__json_key(w, key);
    ft__json_text(w, text);
}

static void ft__journal_number(ft__json_writer *w, const char *key, double value) {
    ft__json_key(w, key);
    if (ft__finite(value))
        ft__json_number(w, value);
    else
        ft__json_null(w); /* the range of an evaluator may be open */
}

static void ft__journal_bool(ft__json_writer *w, const char *key, bool value) {
    ft__json_key(w, key);
    ft__json_bool(w, value);
}

static void ft__journal_open(ft__json_writer *w, const char *key, char bracket) {
    ft__json_key(w, key);
    ft__json_begin(w, bracket);
}

static void ft__journal_texts(ft__json_writer *w, const char *key, const char *const *texts,
                              int n) {
    ft__journal_open(w, key, '[');
    for (int i = 0; i < n; i++) ft__json_text(w, texts[i]);
    ft__json_end(w, ']');
}

static void ft__journal_params(ft__json_writer *w, const ft__json *params) {
    ft__json_key(w, "params");
    if (params) {
        ft__json_value(w, params);
    } else {
        ft__json_begin(w, '{');
        ft__json_end(w, '}');
    }
}

static void ft__journal_verdict(ft__json_writer *w, int verdict) {
    ft__json_key(w, "verdict");
    if (verdict == FT__NOT_JUDGED)
        ft__json_null(w);
    else
        ft__json_text(w, ft_verdict_name((ft_verdict)verdict));
}

static void ft__journal_fields(ft__json_writer *w, const ft__json *fields) {
    if (!fields) return;
    ft__json_key(w, "fields");
    ft__json_value(w, fields);
}

/* The settings that answers and cohorts depend on. */
static void ft__journal_settings(ft__json_writer *w, const ft_job *job) {
    ft__journal_text(w, "cohort_by", job->cohort_by);
    ft__journal_open(w, "prompt", '{');
    ft__journal_text(w, "template", "none");
    ft__json_end(w, '}');
    ft__journal_open(w, "generate", '{');
    ft__journal_number(w, "max_tokens", job->max_tokens);
    ft__journal_number(w, "temperature", job->temperature);
    ft__journal_number(w, "top_k", job->sampling.top_k);
    ft__journal_number(w, "top_p", job->top_p);
    ft__journal_number(w, "min_p", job->min_p);
    ft__journal_number(w, "seed", (double)job->sampling.seed);
    ft__journal_texts(w, "stop", job->stops, job->n_stops);
    ft__journal_number(w, "repeat", job->repeat);
    ft__json_end(w, '}');
}

/* Every file that went in: whose it is, what kind, its SHA-256; and for job.json its path. */
static void ft__journal_input(ft__json_writer *w, const char *role, const char *kind,
                              const char *digest, const char *path, const ft__json *fields) {
    ft__json_begin(w, '{');
    ft__journal_text(w, "role", role);
    ft__journal_text(w, "kind", kind);
    if (path) ft__journal_text(w, "path", path);
    ft__journal_text(w, "sha256", digest);
    ft__journal_fields(w, fields);
    ft__json_end(w, '}');
}

static void ft__journal_inputs(ft__json_writer *w, const ft_result *r, bool paths) {
    const ft_job *job = r->job;
    ft__journal_open(w, "inputs", '[');
    for (int i = 0; i < job->n_variants; i++) {
        const ft__variant *v = &job->variants[i];
        if (i == 0 || v->model)
            ft__journal_input(w, v->name, "model", r->model_digests[v->model],
                              paths ? job->models[v->model] : NULL, NULL);
        if (v->adapter)
            ft__journal_input(w, v->name, "adapter", r->adapter_digests[i],
                              paths ? v->adapter : NULL, NULL);
    }
    for (int i = 0; i < job->n_data; i++) {
        const ft__data_file *f = &job->data[i];
        ft__journal_input(w, f->probe < 0 ? "data" : job->evaluators[f->probe].name,
                          f->probe < 0 ? "rows" : "probe", f->digest, paths ? f->path : NULL,
                          f->fields);
    }
    ft__json_end(w, ']');
}

/* ---- job.json */

/* A path that means the same wherever job.json is read from. */
static void ft__journal_path(ft__json_writer *w, ft__arena *arena, const char *key,
                             const char *path) {
    char folder[4096];
    bool relative = path[0] != '/' && getcwd(folder, sizeof folder) != NULL;
    const char *absolute = relative ? ft__path_join(arena, folder, path) : path;
    if (absolute) ft__journal_text(w, key, absolute); /* else the arena remembers the failure */
}

static void ft__journal_job_models(ft__json_writer *w, ft_result *r) {
    const ft_job *job = r->job;
    ft__journal_open(w, "base", '{');
    ft__journal_path(w, &r->arena, "model", job->models[0]);
    ft__json_end(w, '}');
    ft__journal_open(w, "candidates", '[');
    for (int i = 1; i < job->n_variants; i++) {
        const ft__variant *v = &job->variants[i];
        ft__json_begin(w, '{');
        ft__journal_text(w, "name", v->name);
        if (v->model || !v->adapter) ft__journal_path(w, &r->arena, "model", job->models[v->model]);
        if (v->adapter) ft__journal_path(w, &r->arena, "adapter", v->adapter);
        if (v->adapter) ft__journal_number(w, "scale", v->scale);
        ft__json_end(w, '}');
    }
    ft__json_end(w, ']');
}

static void ft__journal_job_data(ft__json_writer *w, ft_result *r) {
    const ft_job *job = r->job;
    ft__journal_open(w, "data", '[');
    for (int i = 0; i < job->n_data; i++) {
        if (job->data[i].probe >= 0) continue;
        ft__json_begin(w, '{');
        ft__journal_path(w, &r->arena, "path", job->data[i].path);
        ft__journal_fields(w, job->data[i].fields);
        ft__json_end(w, '}');
    }
    ft__json_end(w, ']');
}

static void ft__journal_job_evaluators(ft__json_writer *w, const ft_job *job) {
    ft__journal_open(w, "evaluators", '[');
    for (int i = 0; i < job->n_evaluators; i++) {
        const ft__job_evaluator *e = &job->evaluators[i];
        if (e->probe) continue;
        ft__json_begin(w, '{');
        ft__journal_text(w, "use", e->use);
        ft__journal_text(w, "name", e->name);
        ft__journal_params(w, e->params);
        if (e->n_cohorts) ft__journal_texts(w, "cohorts", e->cohorts, e->n_cohorts);
        ft__json_end(w, '}');
    }
    ft__json_end(w, ']');
}

static void ft__journal_limits(ft__json_writer *w, const ft__rule *rule) {
    if (rule->has_max_drop) ft__journal_number(w, "max_drop", rule->max_drop);
    if (rule->has_min_gain) ft__journal_number(w, "min_gain", rule->min_gain);
}

static void ft__journal_job_gate(ft__json_writer *w, ft_result *r) {
    const ft_job *job = r->job;
    ft__journal_open(w, "gate", '{');
    ft__journal_number(w, "alpha", job->alpha);
    ft__journal_text(w, "correction", job->correction);
    ft__journal_open(w, "rules", '[');
    for (int i = 0; i < job->n_rules; i++) {
        const ft__rule *rule = &job->rules[i];
        if (job->n_rules - i <= job->n_probes) break; /* the probes' rules come last */
        ft__json_begin(w, '{');
        ft__journal_text(w, "evaluator", job->evaluators[rule->evaluator].name);
        ft__journal_text(w, "cohort", rule->cohort);
        ft__journal_limits(w, rule);
        ft__journal_text(w, "mode", "point");
        ft__json_end(w, '}');
    }
    ft__json_end(w, ']');
    ft__json_end(w, '}');
    ft__journal_open(w, "probes", '{');
    for (int i = 0; i < job->n_data; i++) {
        if (job->data[i].probe < 0) continue;
        const ft__job_evaluator *e = &job->evaluators[job->data[i].probe];
        ft__journal_open(w, e->name, '{');
        ft__journal_path(w, &r->arena, "path", job->data[i].path);
        ft__journal_text(w, "evaluator", e->use);
        ft__journal_limits(w, &job->rules[job->n_rules - job->n_data + i]);
        ft__json_end(w, '}');
    }
    ft__json_end(w, '}');
}

static ft_status ft__journal_write(ft_result *r, const char *name, const ft__buf *text,
                                   ft_error *err) {
    const char *path = ft__path_join(&r->arena, r->job->output, name);
    if (text->failed || r->arena.failed) return ft__fail_memory(err);
    return ft__write_file(path, text->data, text->len, &r->allocator, err);
}

FT__PRIV ft_status ft__journal_begin(ft_result *r, ft_error *err) {
    const ft_job *job = r->job;
    ft__buf text;
    ft__json_writer w;
    if (!job->output) return FT_OK;
    ft_status status = ft__make_dirs(job->output, &r->allocator, err);
    if (status) return status;
    ft__buf_init(&text, &r->allocator);
    ft__json_writer_init(&w, &text, 1);
    ft__json_begin(&w, '{');
    ft__journal_text(&w, "name", job->name);
    ft__journal_job_models(&w, r);
    ft__journal_job_data(&w, r);
    ft__journal_settings(&w, job);
    ft__journal_job_evaluators(&w, job);
    ft__journal_job_gate(&w, r);
    ft__journal_path(&w, &r->arena, "output", job->output);
    ft__journal_inputs(&w, r, true);
    ft__json_end(&w, '}');
    ft__buf_byte(&text, '\n');
    status = ft__journal_write(r, "job.json", &text, err);
    ft__buf_free(&text);
    return status;
}

/* ---- rows.jsonl */

static const char *ft__journal_state(ft_score_state state) {
    static const char *const names[] = {"scored", "error", "not_applicable", "missing"};
    return names[state];
}

static void ft__journal_scores(ft__json_writer *w, const ft_job *job, const ft_score *scores) {
    ft__journal_open(w, "scores", '{');
    for (int e = 0; e < job->n_evaluators; e++) {
        ft__journal_open(w, job->evaluators[e].name, '{');
        ft__journal_text(w, "state", ft__journal_state(scores[e].state));
        if (scores[e].state == FT_SCORED) {
            ft__journal_number(w, "value", scores[e].value);
            ft__journal_bool(w, "pass", scores[e].pass);
        }
        if (scores[e].detail[0]) ft__journal_text(w, "detail", scores[e].detail);
        ft__json_end(w, '}');
    }
    ft__json_end(w, '}');
}

FT__PRIV void ft__journal_row(const ft_result *r, size_t row, int variant, int repeat,
                              const ft_score *scores, ft__buf *line) {
    static const char *const finish[] = {"end", "stop", "length"};
    const ft_job *job = r->job;
    const ft__data_row *data = &job->rows[row];
    const ft__answer *answer = ft__result_answer(r, row, variant, repeat);
    ft__json_writer w;
    char hex[65];
    size_t start = line->len;
    ft__json_writer_init(&w, line, 0);
    ft__json_begin(&w, '{');
    ft__journal_text(&w, "id", data->id);
    ft__journal_open(&w, "cohorts", '[');
    for (int c = 0; c < data->n_cohorts; c++)
        ft__json_text(&w, job->cohorts.names[data->cohorts[c]]);
    ft__json_end(&w, ']');
    ft__journal_text(&w, "variant", job->variants[variant].name);
    ft__journal_number(&w, "repeat", repeat);
    ft__journal_number(&w, "prompt_tokens", answer->n_prompt);
    ft__json_key(&w, "output");
    ft__json_string(&w, answer->text, answer->text_len);
    ft__journal_number(&w, "n_tokens", answer->n_tokens);
    ft__journal_text(&w, "finish", finish[answer->finish]);
    ft__journal_scores(&w, job, scores);
    if (line->failed) return;
    ft__sha256_hex(line->data + start, line->len - start, hex);
    ft__journal_text(&w, "sha256", hex);
    ft__json_end(&w, '}');
    ft__buf_byte(line, '\n');
}

/* ---- result.json */

static void ft__journal_evaluators(ft__json_writer *w, const ft_job *job) {
    ft__journal_open(w, "evaluators", '[');
    for (int i = 0; i < job->n_evaluators; i++) {
        const ft__job_evaluator *e = &job->evaluators[i];
        const ft_evaluator_info *info = ft_evaluator_get_info(e->handle);
        const ft__json *threshold = ft__json_get(e->params, "threshold");
        ft__json_begin(w, '{');
        ft__journal_text(w, "name", e->name);
        ft__journal_text(w, "use", e->use);
        ft__journal_params(w, e->params);
        if (e->n_cohorts) ft__journal_texts(w, "cohorts", e->cohorts, e->n_cohorts);
        ft__journal_text(w, "signature", info->signature);
        ft__journal_bool(w, "higher_is_better", info->higher_is_better);
        ft__journal_number(w, "threshold", threshold ? threshold->number : info->threshold);
        ft__journal_number(w, "lowest", info->lowest);
        ft__journal_number(w, "highest", info->highest);
        ft__json_end(w, '}');
    }
    ft__json_end(w, ']');
}

static void ft__journal_variants(ft__json_writer *w, const ft_result *r) {
    ft__journal_open(w, "variants", '[');
    for (int v = 0; v < r->job->n_variants; v++) {
        ft__json_begin(w, '{');
        ft__journal_text(w, "name", r->job->variants[v].name);
        if (r->job->variants[v].adapter) ft__journal_number(w, "scale", r->job->variants[v].scale);
        ft__journal_text(w, "answers", r->answer_digests[v]);
        ft__json_end(w, '}');
    }
    ft__json_end(w, ']');
}

static void ft__journal_numbers(ft__json_writer *w, const ft_result *r, int variant,
                                const ft__numbers *n) {
    ft__json_begin(w, '{');
    ft__journal_text(w, "variant", r->job->variants[variant].name);
    ft__journal_number(w, "n", n->n_scored);
    ft__json_key(w, "mean");
    if (n->n_scored)
        ft__json_number(w, n->mean);
    else
        ft__json_null(w);
    ft__json_key(w, "pass");
    if (n->n_scored)
        ft__json_number(w, n->pass);
    else
        ft__json_null(w);
    ft__journal_number(w, "errors", n->n_error);
    ft__journal_number(w, "missing", n->n_missing);
    ft__journal_number(w, "not_applicable", n->n_not_applicable);
    if (variant) {
        ft__journal_number(w, "pairs", n->n_pairs);
        ft__json_key(w, "difference");
        if (n->n_pairs)
            ft__json_number(w, n->difference);
        else
            ft__json_null(w);
        ft__journal_number(w, "wins", n->wins);
        ft__journal_number(w, "losses", n->losses);
        ft__journal_number(w, "ties", n->ties);
    }
    ft__json_end(w, '}');
}

/* An evaluator that applies to no row of the cohort is left out. */
static void ft__journal_cohort_evaluator(ft__json_writer *w, const ft_result *r, int cohort,
                                         int e) {
    const ft_job *job = r->job;
    if (!ft__table_applies(&r->table, e, cohort)) return;
    ft__json_begin(w, '{');
    ft__journal_text(w, "evaluator", job->evaluators[e].name);
    ft__journal_open(w, "variants", '[');
    for (int v = 0; v < job->n_variants; v++)
        ft__journal_numbers(w, r, v, ft__table_at(&r->table, e, cohort, v));
    ft__json_end(w, ']');
    ft__json_end(w, '}');
}

static void ft__journal_cohort(ft__json_writer *w, const ft_result *r, int cohort) {
    const ft_job *job = r->job;
    bool every = (size_t)cohort == job->cohorts.n;
    ft__json_begin(w, '{');
    ft__journal_text(w, "cohort", ft__result_cohort(r, cohort));
    ft__journal_number(w, "rows", ft__result_cohort_rows(r, cohort));
    ft__journal_open(w, "scores", '[');
    for (int e = 0; e < job->n_evaluators; e++) ft__journal_cohort_evaluator(w, r, cohort, e);
    ft__json_end(w, ']');
    if (!every) {
        ft__journal_open(w, "verdicts", '[');
        for (int v = 1; v < job->n_variants; v++) {
            ft__json_begin(w, '{');
            ft__journal_text(w, "candidate", job->variants[v].name);
            ft__journal_verdict(w, r->gate.cohorts[cohort * job->n_variants + v]);
            ft__json_end(w, '}');
        }
        ft__json_end(w, ']');
    }
    ft__json_end(w, '}');
}

static void ft__journal_check(ft__json_writer *w, const ft_result *r, const ft__check *check) {
    const ft_job *job = r->job;
    const ft__numbers *n = ft__table_at(&r->table, check->evaluator, check->cohort, check->variant);
    ft__json_begin(w, '{');
    ft__journal_text(w, "rule", job->rules[check->rule].place);
    ft__journal_text(w, "evaluator", job->evaluators[check->evaluator].name);
    ft__journal_text(w, "cohort", ft__result_cohort(r, check->cohort));
    ft__journal_text(w, "candidate", job->variants[check->variant].name);
    ft__journal_text(w, "mode", "point");
    ft__journal_limits(w, &job->rules[check->rule]);
    ft__journal_number(w, "pairs", n->n_pairs);
    ft__journal_number(w, "unscored", n->n_unscored);
    ft__json_key(w, "difference");
    if (n->n_pairs)
        ft__json_number(w, n->difference);
    else
        ft__json_null(w);
    ft__journal_verdict(w, check->verdict);
    if (check->reason[0]) ft__journal_text(w, "reason", check->reason);
    ft__json_end(w, '}');
}

FT__PRIV ft_status ft__journal_result(ft_result *r, ft_error *err) {
    const ft_job *job = r->job;
    ft__buf *out = &r->json;
    ft__json_writer w;
    ft__json_writer_init(&w, out, 1);
    ft__json_begin(&w, '{');
    ft__journal_number(&w, "ft", 1); /* of this file's layout */
    ft__journal_text(&w, "name", job->name);
    ft__journal_inputs(&w, r, false);
    ft__journal_settings(&w, job);
    ft__journal_evaluators(&w, job);
    ft__journal_variants(&w, r);
    ft__journal_open(&w, "cohorts", '[');
    ft__journal_cohort(&w, r, r->table.n_cohorts - 1);
    for (int c = 0; c < r->table.n_cohorts - 1; c++) ft__journal_cohort(&w, r, c);
    ft__json_end(&w, ']');
    ft__journal_open(&w, "checks", '[');
    for (int i = 0; i < r->gate.n_checks; i++) ft__journal_check(&w, r, &r->gate.checks[i]);
    ft__json_end(&w, ']');
    ft__journal_open(&w, "candidates", '[');
    for (int v = 1; v < job->n_variants; v++) {
        ft__json_begin(&w, '{');
        ft__journal_text(&w, "name", job->variants[v].name);
        ft__journal_verdict(&w, r->gate.variants[v]);
        ft__json_end(&w, '}');
    }
    ft__json_end(&w, ']');
    ft__journal_verdict(&w, r->gate.verdict);
    ft__buf_text(out, ",\n");
    if (out->failed) return ft__fail_memory(err);
    ft__sha256_hex(out->data, out->len, r->digest);
    ft__buf_printf(out, " \"digest\": \"%s\"\n}\n", r->digest);
    return out->failed ? ft__fail_memory(err) : FT_OK;
}

/* ---- the end */

static double ft__journal_rate(double n, double seconds) { return seconds > 0 ? n / seconds : 0; }

FT__PRIV ft_status ft__journal_end(ft_result *r, ft_error *err) {
    const ft__timing *t = &r->timing;
    ft__buf text;
    ft__json_writer w;
    if (!r->job->output) return FT_OK;
    ft__buf_init(&text, &r->allocator);
    ft__json_writer_init(&w, &text, 1);
    ft__json_begin(&w, '{');
    ft__journal_text(&w, "version", FT_VERSION);
    ft__journal_number(&w, "threads", t->threads);
    ft__journal_number(&w, "load_s", t->load_s);
    ft__journal_number(&w, "generate_s", t->generate_s);
    ft__journal_number(&w, "score_s", t->score_s);
    ft__journal_number(&w, "total_s", t->total_s);
    ft__journal_number(&w, "prompt_tokens", t->n_prompt_tokens);
    ft__journal_number(&w, "new_tokens", t->n_new_tokens);
    ft__journal_number(&w, "new_tokens_per_s", ft__journal_rate(t->n_new_tokens, t->generate_s));
    ft__journal_number(&w, "tokens_per_s",
                       ft__journal_rate(t->n_prompt_tokens + t->n_new_tokens, t->generate_s));
    ft__json_end(&w, '}');
    ft__buf_byte(&text, '\n');
    ft_status status = ft__journal_write(r, "timing.json", &text, err);
    ft__buf_free(&text);
    return status ? status : ft__journal_write(r, "result.json", &r->json, err);
}
/* ---- end src/release/journal.c */
/* ---- begin src/release/report_term.c */
/* The result for a person at a terminal: verdicts first, then the table, then why a check failed
   with its worst rows.  Every text that comes from a model, a row or a job goes through one
   function that makes control characters visible, so that no answer can move the cursor or colour
   the screen. */

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
    ft__report_cell(p, answer->text, answer->text_len, 0, false, FT__REPORT_PLAIN);
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
    if (!p.status) ft__report_footer(&p);
    ft__buf_free(&p.line);
    return p.status;
}
/* ---- end src/release/report_term.c */
#if defined(__clang__)
#pragma STDC FP_CONTRACT DEFAULT
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
#endif /* FT_IMPLEMENTATION */
