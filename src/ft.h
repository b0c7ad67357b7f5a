/* ft.h - judge a tuned model without a cloud.  One header, C99, nothing beyond libc and pthreads.

   WHAT IT IS
     ft loads a language model (GGUF or a Hugging Face folder) and its LoRA adapters, runs the base and its candidates side by
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
     Little-endian POSIX systems with IEEE floats, gcc or clang.  The architectures of the table in
     src/model/arch.c, weights of every GGUF type but I8 to I64 and F64, tokenizers SPM, byte-level BPE,
     gemma4 and WordPiece; GGUF v2/v3 (split, too), Hugging Face folders; LoRA and DoRA adapters as GGUF.  A gate
     compares point differences of means (no confidence bounds yet).

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
                           of 512 inputs, chunk sums added ascending (where the format has
                           minimums, then acc -= (wm * xs) * (float)sum of the block's int8).
                           Integer scales of 16 inputs multiply their integer sums first; two float
                           scales (NVFP4) are two terms.  The F16 scales times integers that ws and
                           wm are made of are exact
       float weights       64 partial sums, element k to partial k mod 64 ascending, then a halving
                           tree 32, 16, 8, 4, 2, 1; RMS norms and softmax sums use the same order
       attention           score: over d ascending; softmax online over tiles of 64 keys aligned to
                           absolute positions, within chunks of 1024; values: over keys ascending;
                           chunks combined ascending; keys that a token does not see weigh
                           exactly 0; a Q8_0 cache rounds as activations are rounded
       adapters            y = W x, + (y gain) scale for DoRA (gain = m / |W + BA| - 1, in double), + bias,
                           then adapter after adapter + (scale factor) B (A x)
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
    X(FT_ERR_MISMATCH, 3, "an adapter or a model does not fit, or changes nothing")            \
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

/* Defaults ({0}): malloc; weights and vocabulary; quantised weights packed for this machine's kernels:
   Q8_0 Q4_0 Q4_K Q6_K in the size they have in the file, all other block formats as int8 with their
   scales (9 to 10.5 bits a weight). */
typedef struct ft_model_desc {
    ft_allocator allocator;
    bool vocab_only; /* read metadata and tokenizer alone; the file may hold no tensors */
    bool no_pack;    /* use weights where the file has them: no copy in memory, slower, the same bits */
    int threads;     /* that pack; 0 = as many as processors */
    const ft_model *share_with; /* weights that this model has, too (same name, shape and bytes), are used where
                                   it has them: it must outlive the new one.  NULL: none */
    const char *quantize; /* a type of ft_quantize, into which weights are brought in memory: the model is then the
                             one that its file would be; NULL = as they are stored */
} ft_model_desc;

/* Loads a GGUF file (of a split model the first) or a Hugging Face folder.  Files are mapped, not copied
   (but for what a folder stores otherwise than GGUF), and must not change while the model lives.  Every
   size in them is checked before use.  NULL on failure. */
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

/* SHA-256 in hex of a model file; of a folder: of what `sha256sum` prints for its *.json, *.safetensors,
   *.jinja and tokenizer.model, in the order of their names' bytes; of a split model: for all its files. */
ft_status ft_model_digest(const char *path, const ft_allocator *allocator, char hex[65], ft_error *err);

/* Do the files say that these models come from one family?  By general.basename where both have it, else by
   architecture, tokenizer and size of the vocabulary.  What a file does not say, nobody can tell. */
bool ft_model_same_family(const ft_model *a, const ft_model *b);

/* Loads an adapter for `model`, a GGUF file or the folder of a PEFT adapter: LoRA or DoRA of any linear map,
   experts and embeddings included, and other tensors in the place of the model's.  Each of its tensors must
   find its weight there with the right shape, else FT_ERR_MISMATCH.  Factors are kept as F32; other tensors
   are computed with as floats. */
ft_adapter *ft_adapter_load(const ft_model *model, const char *path, ft_error *err);
void ft_adapter_free(ft_adapter *adapter);

/* One adapter at a strength: `scale` multiplies all that it changes. */
typedef struct ft_adapter_use {
    const ft_adapter *adapter;
    float scale;
} ft_adapter_use;

/* A model of its own: the base with these adapters (of the base, in order) merged into its weights, in memory, in
   the types that they have (or desc->quantize).  What does not change is shared: the base must outlive it. */
ft_model *ft_model_merge(const ft_model *base, const ft_adapter_use *uses, int n_uses, const ft_model_desc *desc,
                         ft_error *err);

/* What a file is and what ft does with it, as a page or (json) as one JSON object: models (files and folders),
   also those that do not run, vocabularies, and adapters (GGUF files and PEFT folders). */
ft_status ft_info(const char *path, bool json, ft_write_fn write, void *user, ft_error *err);

/* The same of an adapter beside the model that it is for: does it fit, and how large are its changes in
   proportion to the weights? */
ft_status ft_info_adapter(const char *model_path, const char *adapter_path, bool json, ft_write_fn write,
                          void *user, ft_error *err);

/* One tensor of a model or adapter, by its name in GGUF, decoded to little-endian float32, row-major. */
ft_status ft_info_tensor(const char *path, const char *tensor, ft_write_fn write, void *user,
                         ft_error *err);

/* ---------------------------------------------------------------------------------- writing models */

/* Defaults ({0}): malloc, as many threads as processors, the report as text. */
typedef struct ft_convert_desc {
    ft_allocator allocator;
    int threads; /* never show in the result */
    bool json;
    void *user;
    int (*progress)(void *user, uint64_t done, uint64_t total); /* bytes of the input; 0 to go on */
} ft_convert_desc;

/* Writes a model (as ft_model_load reads it) as one GGUF file with the weights in another type: F32 F16 BF16 Q8_0
   Q6_K Q5_0 Q5_1 Q5_K_S Q5_K_M Q4_0 Q4_1 Q4_K_S Q4_K_M IQ4_NL IQ4_XS Q3_K_S Q3_K_M Q3_K_L Q2_K, or MXFP4 (of
   experts; all else Q8_0).  The types of single tensors are those of llama.cpp's files of these names; all keys are
   carried over.  Takes the memory of about one tensor (of a folder, also that of the tensors whose rows GGUF has in
   another order: q and k, experts), and the same bytes come out for any number of threads.
   `write` (or NULL) receives a report: bytes and relative error by type, or of every tensor as JSON.
   The file appears under its name only when it is whole; it may not be an input (FT_ERR_ARGUMENT). */
ft_status ft_quantize(const char *model, const char *out, const char *type, const ft_convert_desc *desc,
                      ft_write_fn write, void *user, ft_error *err);

const char *ft_quantize_type_at(int index); /* the names of these types; NULL after the last */

/* Writes a model with adapters merged into its weights; each of `adapters` (n_adapters, applied in order) is "FILE"
   or "FILE:SCALE".  Tensors keep their types (type NULL), or get those of ft_quantize.  The report tells for each
   changed tensor how large the change is beside the weights, how large the error of encoding is, and what share of
   the change is stored: where the error is as large as the change, the file is not the model that was judged.
   Memory, threads and the output are as in ft_quantize. */
ft_status ft_merge(const char *model, const char *const *adapters, int n_adapters, const char *out, const char *type,
                   const ft_convert_desc *desc, ft_write_fn write, void *user, ft_error *err);

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

/* ------------------------------------------------------------------------------------- templates */

/* A chat template: Jinja as Hugging Face sets it up for them, without files, imports and blocks.  Parsed
   once; nothing changes it then, so any number of threads may render it. */
typedef struct ft_template ft_template;

/* `name` is for error messages (NULL: "template").  FT_ERR_FORMAT, FT_ERR_UNSUPPORTED (a tag, filter or test
   that ft lacks) and FT_ERR_LIMIT say "name:line".  NULL on failure. */
ft_template *ft_template_parse(const char *source, size_t n_bytes, const char *name,
                               const ft_allocator *allocator, ft_error *err);
void ft_template_free(ft_template *t);

/* Renders with the members of a JSON object as variables; `tools` and `documents` are none where it lacks
   them.  `now` is the time that strftime_now shows, "2026-03-14T15:09:26"; NULL: asking for it is an error.
   The output is written in one piece, and only if there was no error.  FT_ERR_DATA: the template calls
   raise_exception (then the message is the template's), or does what Python forbids; FT_ERR_LIMIT: too many
   steps, too much memory or output, or nested too deeply. */
ft_status ft_template_render(const ft_template *t, const char *input_json, size_t n_bytes, const char *now,
                             ft_write_fn write, void *user, ft_error *err);

/* The model's own chat template: source for ft_template_parse, not NUL-terminated, living as long as the model.
   NULL if it has none.  n_bytes may be NULL. */
const char *ft_model_chat_template(const ft_model *model, size_t *n_bytes);

/* A token as the vocabulary spells it ("<s>"), not NUL-terminated, living as long as the model.  NULL outside
   the vocabulary.  n_bytes may be NULL. */
const char *ft_token_spelling(const ft_model *model, int32_t token, size_t *n_bytes);

/* Renders every line of a JSONL file, {"input": {...}}, and writes {"output": "..."} or {"error": "..."} for
   each.  `path` is a template, or a GGUF file or a Hugging Face folder that has one. */
ft_status ft_write_renders(const char *path, const char *cases_path, const char *now, ft_write_fn write,
                           void *user, ft_error *err);

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

/* The same with a model of its own, loaded from a file and freed with the session. */
ft_session *ft_session_load(const char *path, const ft_session_desc *desc, ft_error *err);

/* Adds a variant: the base with these adapters on it, applied in order.  Variant 0 is the base alone.
   A scale of 0 is the base bit for bit.  May come at any time, whatever is open.  An adapter that has other
   tensors in the place of the model's takes no scale but 0 and 1, and of several only one may have the same
   (FT_ERR_UNSUPPORTED, FT_ERR_MISMATCH). */
ft_status ft_session_add_variant(ft_session *session, const ft_adapter_use *uses, int n_uses,
                                 int *variant, ft_error *err);

/* The same from files: each of `specs` (n_specs) is "FILE" or "FILE:SCALE" (a number after the last
   colon).  The session owns these adapters. */
ft_status ft_session_load_variant(ft_session *session, const char *const *specs, int n_specs,
                                  int *variant, ft_error *err);

/* Removes a variant of which no sequence is open and that no running call names; others may be, and notice nothing.
   Its number will be given again, its adapters may be freed (those that the session owns are). */
ft_status ft_session_remove_variant(ft_session *session, int variant, ft_error *err);

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

/* Optional callbacks; `done` and `text` return 0 to go on.  They may use the session for other sequences; without
   kv_bytes there is always room for these. */
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

/* Runs one request and writes its text as it is made, in whole characters, and a line end. */
ft_status ft_session_write_text(ft_session *session, const ft_request *request, ft_write_fn write, void *user,
                                ft_error *err);

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

/* How likely a text is: the natural log-probs of its tokens, added up in their order. */
typedef struct ft_likelihood {
    double logprob;
    int n_tokens; /* scored */
    size_t n_bytes;
} ft_likelihood;
double ft_perplexity(const ft_likelihood *l);    /* exp(-logprob / n_tokens); 1 for no tokens */
double ft_bits_per_byte(const ft_likelihood *l); /* -log2 of its probability / n_bytes; 0 for no bytes */

/* A text after a prompt.  Both are made into tokens together; the text begins with the first token that
   the prompt alone would not have.  An empty prompt is BOS alone; where the model has none, the first token
   comes after nothing and is not scored. */
typedef struct ft_text_request {
    int variant;
    const char *prompt; /* (prompt_len) bytes */
    size_t prompt_len;
    const char *text;   /* (text_len) bytes */
    size_t text_len;
    unsigned flags;     /* FT_TOKENIZE_...; BOS, unless it says PLAIN; never EOS */
    const char *name;   /* for errors, or NULL */
} ft_text_request;

/* Fills out[n_texts].  Many together, prompts in common computed once, as in ft_session_score. */
ft_status ft_session_score_texts(ft_session *session, const ft_text_request *texts, int n_texts,
                                 ft_likelihood *out, ft_error *err);

/* A text of any length, in windows of the session's context that overlap by half: every token is scored
   once.  ft_write_score reads a file and writes its likelihood, perplexity and bits per byte. */
ft_status ft_session_score_long(ft_session *session, int variant, const char *text, size_t n_bytes,
                                ft_likelihood *out, ft_error *err);
ft_status ft_write_score(ft_session *session, int variant, const char *path, ft_write_fn write, void *user,
                         ft_error *err);

/* Do both models read and write the same tokens, each under the same id? */
bool ft_model_same_vocabulary(const ft_model *a, const ft_model *b);

/* One who reads: a variant of a session. */
typedef struct ft_reader {
    ft_session *session;
    int variant;
} ft_reader;

/* A prompt, and what is compared after it: a text that both read, the reference, and what each wrote.  The
   reference is given as ids, or as a text after its own prompt (`text`, whose variant does not count); without
   either it is base_output. */
typedef struct ft_diverge_request {
    const int32_t *prompt;      /* (n_prompt), at least one */
    int n_prompt;
    const int32_t *reference;   /* (n_reference), or NULL */
    int n_reference;
    const ft_text_request *text; /* or NULL */
    const int32_t *base_output; /* (n_base_output) greedy tokens after the prompt, without the end token, ... */
    int n_base_output;
    const int32_t *output;      /* (n_output) ... and the candidate's; if either is NULL they are not compared */
    int n_output;
} ft_diverge_request;

typedef struct ft_alternative {
    int32_t token;
    float logprob;
} ft_alternative;

enum { FT_ALTERNATIVES = 5 };

/* Sums are in double, in the order of the places.  Log-probs are as in ft_score_request. */
typedef struct ft_divergence {
    int n_tokens;          /* of the reference: its places, as far as both contexts hold them */
    int n_agree;           /* where both find the same token likeliest (top-1 agreement is n_agree / n_tokens) */
    int n_changed;         /* where any bit of any logit differs */
    double kl_sum, kl_max; /* KL(base || candidate) of the next token in nats: sum p_i (log p_i - log q_i) over the
                              vocabulary, p the base's and q the candidate's probabilities at temperature 1 */
    double base_logprob, logprob; /* of the reference under each */
    bool compared;            /* the request has both outputs */
    int n_output, n_accepted; /* the candidate's tokens, and those that the base, having read the ones before,
                                 finds likeliest: what a draft by the base would have got right */
    int n_drafts, n_draft_accepted; /* the same in drafts of 4, each up to its first wrong token, after which the
                                       candidate writes one itself; not drafts that the output's end cuts short */
    int first_difference;  /* the first place where the outputs differ, or one ends, from 0; -1: none */
    int n_top;             /* of the alternatives there, best first; 0 without a difference */
    ft_alternative base_top[FT_ALTERNATIVES], top[FT_ALTERNATIVES];
} ft_divergence;

/* Compares a candidate with its base token by token; fills out[n_requests].  The sessions may be one, or of two
   models with the same vocabulary (else FT_ERR_MISMATCH).  Memory: logits of some places at a time, 32 MB or one
   place's; keys and values as in ft_session_score.  On failure `out` has undefined content. */
ft_status ft_diverge(ft_reader base, ft_reader candidate, const ft_diverge_request *requests, int n_requests,
                     ft_divergence *out, ft_error *err);

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

/* A part of the output, in bytes: a number that nothing supports, an e-mail address. */
typedef struct ft_span {
    size_t begin, end;
    const char *what; /* a constant: "number", "EMAIL" */
} ft_span;

enum { FT_MAX_SPANS = 16 };

typedef struct ft_score {
    ft_score_state state;
    double value;
    bool pass;        /* value against the threshold, in the evaluator's direction */
    char detail[160]; /* why, for a reader; may be empty */
    int n_spans;      /* found; the first FT_MAX_SPANS of them are below */
    ft_span spans[FT_MAX_SPANS];
} ft_score;

/* What an evaluator judges. */
typedef enum ft_evidence {
    FT_FROM_TEXT,     /* the output's text */
    FT_FROM_CHOICES,  /* how likely the model finds each of the row's "choices" after the prompt */
    FT_FROM_EXPECTED, /* how likely it finds the row's "expected" */
    FT_FROM_JUDGE     /* how likely a judge model finds each of its grades, given the output's text */
} ft_evidence;

/* One row of the registry.  `params` is a JSON object of every parameter with its default. */
typedef struct ft_evaluator_info {
    const char *name;
    const char *summary;
    const char *fields;    /* the row fields it needs, "" for none */
    const char *params;
    double lowest, highest; /* DBL_MAX: no upper end */
    bool higher_is_better;
    double threshold;      /* default: a row passes at this value or better */
    const char *signature; /* name, version and what they mean; changes when a score could */
    ft_evidence evidence;
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

/* All that there may be to judge; evaluators whose evidence is FT_FROM_TEXT need the text alone. */
typedef struct ft_output {
    const char *text;  /* (n_bytes), NULL = missing */
    size_t n_bytes;
    const ft_likelihood *options; /* (n_options) of the choices, of the expected text, or of the grades */
    const ft_likelihood *alone;   /* (n_options) of the choices after an empty prompt, or NULL */
    int n_options;
} ft_output;
ft_status ft_evaluate_output(const ft_evaluator *evaluator, const ft_row *row, const ft_output *output,
                             ft_score *score, ft_error *err);

/* An evaluator of your own.  Fills *score (zeroed, state FT_SCORED); anything but 0 is an error state, with
   score->detail as its reason.  A value that is not a number, or outside the range, becomes an error state.
   May run on several threads at a time.  info: everything but `params`; copied, its texts too. */
typedef int (*ft_evaluate_fn)(void *user, const ft_row *row, const char *output, size_t n_bytes,
                              ft_score *score);
ft_evaluator *ft_evaluator_create_custom(const ft_evaluator_info *info, ft_evaluate_fn fn, void *user,
                                         const ft_allocator *allocator, ft_error *err);
/* A field of the row as text ("tags.lang" goes down): texts and numbers as they are, true and false.
   NULL: absent, or none of these.  Lives as long as the row. */
const char *ft_row_field(const ft_row *row, const char *path, size_t *n_bytes);

/* Asks a judge: an evaluator whose evidence is FT_FROM_JUDGE, with a session of the judge's model.  The score
   comes from the probabilities of the grades after the judge's prompt, never from sampled text. */
ft_status ft_judge(const ft_evaluator *judge, ft_session *session, const ft_row *row, const char *output,
                   size_t n_bytes, ft_score *score, ft_error *err);

/* --------------------------------------------------------------------------------------- metrics */

/* The bare formulas behind the evaluators, and those over whole corpora, classes, rankings and raters.
   One JSON object {"metric": NAME, "params": {...}, "input": {...}} in, {"value": ...} or
   {"error": "..."} out, on one line.  Fails only for want of memory or when `write` does. */
ft_status ft_metric(const char *json, size_t n_bytes, const ft_allocator *allocator,
                    ft_write_fn write, void *user, ft_error *err);
int ft_metric_count(void);
const char *ft_metric_at(int index); /* its name; NULL outside 0..count-1 */
/* The evaluators with their parameters, and the names of the metrics, as text. */
ft_status ft_write_registry(ft_write_fn write, void *user, ft_error *err);
/* ft_metric of every line of a file. */
ft_status ft_write_metrics(const char *path, ft_write_fn write, void *user, ft_error *err);

/* --------------------------------------------------------------------------------------- release */

typedef struct ft_job ft_job;
typedef struct ft_result ft_result;
typedef enum ft_verdict { FT_SHIP = 0, FT_BLOCK = 1, FT_INSUFFICIENT = 2 } ft_verdict;

/* An evaluator of your own that the job's evaluators may "use" by info.name. */
typedef struct ft_job_evaluator {
    ft_evaluator_info info;
    ft_evaluate_fn fn;
    void *user;
} ft_job_evaluator;

/* One --set: path.to.key=JSON, applied before the job is checked. */
typedef struct ft_job_desc {
    ft_allocator allocator;
    const char *const *sets; /* (n_sets) */
    int n_sets;
    const char *output;      /* replaces the job's "output"; NULL keeps it */
    const ft_job_evaluator *evaluators; /* (n_evaluators), beside the registry's */
    int n_evaluators;
} ft_job_desc;

/* Reads and checks a job file and the rows that it names.  Paths in it are relative to the file. */
ft_job *ft_job_load(const char *path, const ft_job_desc *desc, ft_error *err);
void ft_job_free(ft_job *job);

typedef struct ft_progress {
    uint64_t done, total; /* answers: rows times variants */
    double seconds;       /* since the start */
} ft_progress;

/* A line for people: a bar, answers done, answers a second, time left.  For a terminal it begins with a
   carriage return and has no line end before the last answer. */
const char *ft_progress_text(const ft_progress *progress, bool terminal, char line[128]);

typedef struct ft_compare_desc {
    int threads; /* as in ft_session_desc */
    void *user;
    int (*progress)(void *user, const ft_progress *progress); /* 0 to go on */
} ft_compare_desc;

/* Runs base and candidates on every row, scores, gates, and writes the run folder if the job names
   one: job.json, rows.jsonl, timing.json and, last, result.json; an older run's files there go first.
   An adapter or model that changes no bit of any logit on the first rows is FT_ERR_MISMATCH.
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
#include "base/error.c"
#include "base/alloc.c"
#include "base/str.c"
#include "base/math.c"
#include "base/random.c"
#include "base/sha256.c"
#include "base/file.c"
#include "base/thread.c"
#include "base/cpu.c"
#include "io/number.c"
#include "io/json.c"
#include "io/jsonl.c"
#include "io/unicode.c"
#include "io/regex.c"
#include "io/regex_match.c"
#include "io/gguf.c"
#include "io/safetensors.c"
#include "num/quant.c"
#include "num/unpack.c"
#include "num/encode.c"
#include "num/kern_scalar.c"
#include "num/kern_avx2.c"
#include "num/kern_avx512.c"
#include "num/kern_neon.c"
#include "num/kernels.c"
#include "num/pack.c"
#include "num/matmul.c"
#include "num/attention.c"
#include "text/tok_merge.c"
#include "text/tok_spm.c"
#include "text/pretok.c"
#include "text/tok_bpe.c"
#include "text/tok_wpm.c"
#include "text/tokenizer.c"
#include "model/hf_config.c"
#include "model/hf_tokenizer.c"
#include "model/hf.c"
#include "model/split.c"
#include "text/jinja_lex.c"
#include "text/jinja_parse.c"
#include "text/jinja_scope.c"
#include "text/jinja.c"
#include "text/jinja_values.c"
#include "text/jinja_number.c"
#include "text/jinja_text.c"
#include "text/jinja_format.c"
#include "text/jinja_filters.c"
#include "text/jinja_tests.c"
#include "text/jinja_methods.c"
#include "text/template.c"
#include "model/arch.c"
#include "model/rope.c"
#include "model/moe.c"
#include "model/weights.c"
#include "model/maps.c"
#include "model/peft_config.c"
#include "model/peft_place.c"
#include "model/peft_experts.c"
#include "model/peft.c"
#include "model/adapter.c"
#include "model/adapter_read.c"
#include "model/linear.c"
#include "model/forward.c"
#include "model/chat.c"
#include "model/digest.c"
#include "model/mixers.c"
#include "model/remake.c"
#include "model/mix.c"
#include "model/rewrite.c"
#include "model/quantize.c"
#include "model/merge.c"
#include "run/kv.c"
#include "run/session.c"
#include "run/places.c"
#include "run/score.c"
#include "run/likelihood.c"
#include "run/diverge.c"
#include "run/sampler.c"
#include "run/generate.c"
#include "run/info.c"
#include "run/info_page.c"
#include "run/info_norm.c"
#include "run/info_adapter.c"
#include "run/info_adapter_page.c"
#include "run/files.c"
#include "run/bench.c"
#include "eval/row.c"
#include "eval/text.c"
#include "eval/evaluator.c"
#include "eval/metric.c"
#include "eval/match.c"
#include "eval/numbers_read.c"
#include "eval/numbers.c"
#include "eval/inspect.c"
#include "eval/style.c"
#include "eval/edit_distance.c"
#include "eval/edit_fuzz.c"
#include "eval/edit.c"
#include "eval/mt_tokens.c"
#include "eval/mt_ngrams.c"
#include "eval/bleu.c"
#include "eval/chrf.c"
#include "eval/ter.c"
#include "eval/porter.c"
#include "eval/rouge.c"
#include "eval/meteor.c"
#include "eval/nist.c"
#include "eval/extract.c"
#include "eval/structure.c"
#include "eval/schema_format.c"
#include "eval/schema.c"
#include "eval/schema_rules.c"
#include "eval/schema_meta.c"
#include "eval/schema_check.c"
#include "eval/markup.c"
#include "eval/toolcall_value.c"
#include "eval/toolcall_read.c"
#include "eval/toolcall.c"
#include "eval/bfcl.c"
#include "eval/trajectory.c"
#include "eval/language.c"
#include "eval/instruct_text.c"
#include "eval/instruct_check.c"
#include "eval/instruct.c"
#include "eval/refusal.c"
#include "eval/pii_cues.c"
#include "eval/pii_net.c"
#include "eval/pii_numbers.c"
#include "eval/pii_dates.c"
#include "eval/pii.c"
#include "eval/secrets.c"
#include "eval/barewords.c"
#include "eval/injection.c"
#include "eval/wordlist.c"
#include "eval/leak.c"
#include "eval/facts_lexicon.c"
#include "eval/facts_read.c"
#include "eval/facts_digits.c"
#include "eval/facts_quantity.c"
#include "eval/facts.c"
#include "eval/ground_index.c"
#include "eval/ground_claims.c"
#include "eval/ground_hard.c"
#include "eval/ground_polarity.c"
#include "eval/ground_judge.c"
#include "eval/ground.c"
#include "eval/retrieval.c"
#include "eval/relevancy.c"
#include "eval/citations.c"
#include "eval/classify.c"
#include "eval/agree.c"
#include "eval/calibrate.c"
#include "eval/rank.c"
#include "eval/likelihood.c"
#include "eval/judge.c"
#include "eval/custom.c"
#include "release/shape.c"
#include "release/job.c"
#include "release/dataset.c"
#include "release/prompt.c"
#include "release/gate.c"
#include "release/compare.c"
#include "release/evidence.c"
#include "release/canary.c"
#include "release/tokens.c"
#include "release/aggregate.c"
#include "release/journal.c"
#include "release/report_term.c"
#if defined(__clang__)
#pragma STDC FP_CONTRACT DEFAULT
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
#endif /* FT_IMPLEMENTATION */
