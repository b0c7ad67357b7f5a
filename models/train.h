/* The trainer: a small llama-shaped language model from nothing, and low-rank adapters on it.  It stands on
   the library's rooms and computes under the same contract: one order for every sum, so the files come out
   the same for any number of threads and any instruction set.

   kernels.c  inner loops, compiled once per instruction set      gemm.c  products of matrices
   net.c      the network, forwards and backwards                 bpe.c   the vocabulary
   data.c     rows to tokens, batches                             lora.c  adapters
   fit.c      AdamW, the loop, checkpoints                        recipe.c  the recipe file
   files.c    GGUF and PEFT files                                 svg.c   loss curves
   train.c    the command                                                                               */
#ifndef TRAIN_H
#define TRAIN_H

#include "../src/num/num.h"
#include "../src/text/text.h"

/* ---- kernels.c */

enum { TRAIN_MAX_TILE = 12 * 32, TRAIN_BAND = 48 }; /* TRAIN_BAND: rows of a product that go together */

typedef struct train_adamw {
    float clip;         /* factor of the gradient */
    float beta1, beta2;
    float step, root;   /* learning rate over 1 - beta1^t; 1 over the root of 1 - beta2^t */
    float eps, decay;   /* decay: learning rate times weight decay */
} train_adamw;

/* Lengths n are multiples of 16, but for adamw and where `width` is given: that is one, n is any up to it. */
typedef struct train_kernels {
    int tile_rows, tile_cols; /* of a product's tile; TRAIN_BAND is a multiple of tile_rows */
    /* c (tile_rows, tile_cols) = or, if add, += a b; element (r, p) of a is a[r * row + p * col], b is
       (k, tile_cols) */
    void (*tile)(int k, const float *a, size_t row, size_t col, const float *b, float *c, size_t ldc, bool add);
    /* out (k, tile_rows) = the beginnings of k rows, ld apart */
    void (*pack)(const float *in, size_t ld, int k, float *out);
    /* out = x * w / rms(x); returns 1 / rms */
    float (*norm)(const float *x, const float *w, float eps, int n, float *out);
    /* dx += the gradient of x, given that of the norm's output */
    void (*norm_back)(const float *x, const float *w, float inverse, const float *dout, int n, float *dx);
    /* dw += the gradient of w, tokens ascending; rows of x and dout are ld apart */
    void (*norm_weight)(const float *x, const float *inverse, const float *dout, size_t ld, int n_tokens, int n,
                        float *dw);
    void (*silu_mul)(const float *gate, const float *up, int n, float *out);
    void (*silu_mul_back)(float *gate, float *up, const float *dout, int n); /* their gradients take their place */
    void (*turn)(float *x, const float *cs, int n); /* RoPE of a head; cs: cos and sin by turns */
    void (*add)(float *x, const float *y, int n);
    float (*dot)(const float *x, const float *y, int n);
    /* s = softmax(scale * s) over the first n; then zeros */
    void (*softmax)(float *s, float scale, int n, int width);
    /* dp, the gradient of softmax's output p, becomes that of s */
    void (*softmax_back)(const float *p, float *dp, float scale, int n, int width);
    /* -log softmax(s)[target]; s becomes weight times the gradient of that */
    double (*cross_entropy)(float *s, int n, int target, float weight);
    void (*adamw)(float *x, float *m, float *v, const float *g, size_t n, const train_adamw *c);
} train_kernels;
void train_kernels_plain(train_kernels *k);
void train_kernels_avx2(train_kernels *k);
void train_kernels_avx512(train_kernels *k);
/* The table for this machine, or the one that FT_ISA names. */
ft_status train_kernels_choose(train_kernels *k, ft_error *err);

/* ---- gemm.c */

/* A matrix as a product sees it: element (r, c) is data[r * row + c * col]. */
typedef struct train_matrix {
    const float *data;
    size_t row, col;
} train_matrix;

/* Which part of a product counts where one matrix is triangular (its other half holds zeros). */
typedef enum train_part {
    TRAIN_ALL,
    TRAIN_LOWER,      /* c: elements right of the diagonal are not wanted */
    TRAIN_UNTIL_ROW,  /* a is lower triangular */
    TRAIN_FROM_ROW    /* a is upper triangular */
} train_part;

/* c (m, n) = or, if add, += a (m, k) b (k, n). */
typedef struct train_product {
    const train_kernels *kernels;
    int m, n, k;
    train_matrix a, b;
    float *c;
    size_t ldc;
    bool add;
    train_part part;
    float *packed; /* train_packed_size(n, k) floats */
} train_product;
size_t train_packed_size(int n, int k);
void train_multiply(const train_product *p);                     /* on the calling thread */
void train_multiply_shared(ft__pool *pool, const train_product *p);

/* ---- net.c */

typedef struct train_shape {
    int n_layers, n_embd, n_heads, n_kv_heads, head_dim, n_ff, n_ctx, n_vocab;
    float rope_base, eps;
} train_shape;

/* A layer's tensors, by their names in GGUF files. */
typedef enum train_tensor {
    TRAIN_ATTN_NORM, TRAIN_Q, TRAIN_K, TRAIN_V, TRAIN_O, TRAIN_FFN_NORM, TRAIN_GATE, TRAIN_UP, TRAIN_DOWN,
    TRAIN_TENSORS
} train_tensor;
const char *train_tensor_name(train_tensor t); /* "attn_q" */

/* Where a tensor lies among the parameters: (n_rows, n_cols), one row each for norms. */
typedef struct train_place {
    size_t at;
    int n_rows, n_cols;
} train_place;

/* All parameters in one array: embedding (also the head), layers, last norm. */
typedef struct train_layout {
    train_shape shape;
    train_place embedding, output_norm;
    train_place *layers; /* (n_layers, TRAIN_TENSORS) */
    size_t n_params;
} train_layout;
bool train_layout_init(train_layout *l, const train_shape *shape, ft__arena *arena);
const train_place *train_at(const train_layout *l, int layer, train_tensor t);

/* Rows of tokens one after the other; each sees itself alone. */
typedef struct train_batch {
    int n_tokens, n_rows;
    const int32_t *tokens;  /* (n_tokens) */
    const int32_t *targets; /* (n_tokens) the token that follows; -1: none */
    const float *weights;   /* (n_tokens) of the loss there */
    const int *first;       /* (n_rows + 1) */
} train_batch;

typedef struct train_net train_net;
/* For batches of up to max_tokens tokens. */
train_net *train_net_create(const train_layout *l, int max_tokens, ft__pool *pool, const ft_allocator *a,
                            ft_error *err);
void train_net_free(train_net *net);
/* The weighted sum of the losses; the gradient, if wanted, is added to `gradient` (n_params). */
double train_net_run(train_net *net, const float *params, const train_batch *b, float *gradient);
/* The logits after each token that has a target: (n, n_vocab), in order. */
const float *train_net_logits(train_net *net, const float *params, const train_batch *b);

/* ---- bpe.c */

/* A vocabulary of byte-level BPE, as GGUF files spell it. */
typedef struct train_bpe {
    int n_tokens, n_merges;
    ft__gguf_str *tokens;  /* (n_tokens): specials, bytes, merged ones, then unused ones */
    int32_t *types;        /* (n_tokens) ft__token_type */
    const char **merges;   /* (n_merges) "left right" */
    ft__tok_merge *parts;  /* the same in two */
    int32_t end;           /* the first special, which ends an answer */
} train_bpe;
/* n_tokens tokens learned from texts (NUL after each); `specials` (n_specials) are not learned. */
ft_status train_bpe_learn(train_bpe *bpe, const ft__gguf_str *texts, int n_texts, const char *const *specials,
                          int n_specials, int n_tokens, ft__arena *arena, ft_error *err);
/* The library's own tokenizer for it; to be freed with ft__vocab_free. */
ft_status train_bpe_vocab(const train_bpe *bpe, const ft_allocator *a, ft__vocab **vocab, ft_error *err);

/* ---- data.c */

/* A row as the model reads it: the rendered prompt, and behind it the answer with its end token. */
typedef struct train_text {
    ft__gguf_str text;
    size_t n_prompt; /* bytes of the prompt */
    uint32_t line;
    const char *file;
} train_text;

typedef struct train_rows {
    int n_rows, n_tokens;
    int32_t *tokens;   /* (n_tokens) of all rows, one after the other */
    int *first;        /* (n_rows + 1) */
    int *answer;       /* (n_rows) tokens of the row that are its prompt */
} train_rows;

/* The rows of a JSONL file through a chat template; of the cohorts (n_cohorts) alone, if any are named. */
ft_status train_read_texts(const char *path, const char *const *cohorts, int n_cohorts, const ft_template *chat,
                           const char *end, ft__arena *arena, train_text **texts, int *n, ft_error *err);
ft_status train_tokenize(const train_text *texts, int n, const ft__vocab *vocab, int n_ctx, ft__arena *arena,
                         train_rows *rows, ft_error *err);

/* Batches in a random order that is another in each epoch.  Where it stands is (epoch, place). */
typedef struct train_feed {
    const train_rows *rows;
    uint64_t seed;
    float prompt_weight;       /* of a prompt's tokens in the loss; an answer's have 1 */
    int max_tokens;
    uint32_t epoch;
    int place;                 /* rows of this epoch that were taken */
    uint32_t ordered;          /* epoch + 1 that `order` is of */
    int *order;                /* (n_rows) */
    train_batch batch;
    int32_t *tokens, *targets; /* (max_tokens) of the batch */
    float *weights;
    int *first;
    double weight;             /* of all tokens of the batch, before they were made to sum to 1 */
} train_feed;
ft_status train_feed_init(train_feed *f, const train_rows *rows, uint64_t seed, float prompt_weight, int max_tokens,
                          ft__arena *arena, ft_error *err);
/* The next batch, weights summing to 1.  `once`: in the rows' own order; false behind the last. */
bool train_feed_next(train_feed *f, bool once);

/* ---- recipe.c.  A section of the recipe file: one model or adapter. */

typedef struct train_recipe {
    const char *section;
    const char *file, *name;      /* to be made: in the folder of the models; what it calls itself */
    const char *data, *valid;     /* in the folder of the rows */
    const char *chat;             /* the template: beside the recipe; NULL: the base's */
    const char *base;             /* in the folder of the models; NULL: a whole model is trained */
    const char *peft;             /* folder for the adapter in PEFT's form, or NULL */
    const char *type;             /* of the matrices in the file: "Q8_0" */
    const char *const *specials, *const *cohorts, *const *modules;
    int n_specials, n_cohorts, n_modules;
    int vocab, layers, embd, heads, kv_heads, head_dim, ff, ctx;
    int rank, steps, warmup, batch, valid_every, valid_rows, patience, seed;
    double alpha, rope_base, eps, lr, lr_end, decay, beta1, beta2, clip, prompt_weight;
} train_recipe;
/* *digest: SHA-256 of the section's text. */
ft_status train_recipe_read(const char *path, const char *section, ft__arena *arena, train_recipe *recipe,
                            uint8_t digest[32], ft_error *err);

/* ---- lora.c */

/* Where an adapter's factors lie: a (rank, n_cols), then b (n_rows, rank); the weight gets alpha / rank b a. */
typedef struct train_lora {
    const train_layout *layout;
    ft__pool *pool;
    train_kernels kernels;
    int rank;
    float scale;             /* alpha / rank */
    size_t *at;              /* (n_layers, TRAIN_TENSORS), SIZE_MAX: not adapted */
    size_t n_params;
    float *scaled, *packed;  /* scratch: a factor; the right matrix of a product */
} train_lora;
ft_status train_lora_init(train_lora *l, const train_layout *layout, const train_recipe *recipe, ft__pool *pool,
                          ft__arena *arena, ft_error *err);
/* The base's parameters with the adapter on them; both (layout.n_params). */
void train_lora_merge(const train_lora *l, const float *base, const float *factors, float *merged);
/* The gradient of the factors (n_params) from that of the merged parameters. */
void train_lora_gradient(const train_lora *l, const float *factors, const float *weights, float *gradient);

/* ---- files.c */

/* A model to train, or to train an adapter on. */
typedef struct train_model {
    train_layout layout;
    float *params;         /* (layout.n_params) */
    ft__vocab *vocab;
    const char *end;       /* spelling of the token that ends an answer */
    const char *chat;      /* the template's source */
    size_t n_chat;
    ft__gguf file;         /* of a model that was read */
    bool is_open;
} train_model;
/* A model that train_model_write made. */
ft_status train_model_read(train_model *m, const char *path, ft__arena *arena, ft_error *err);
void train_model_close(train_model *m);
ft_status train_model_write(const train_model *m, const float *params, const train_bpe *bpe,
                            const train_recipe *recipe, const char *path, ft_error *err);

ft_status train_adapter_write(const train_lora *l, const float *params, const train_recipe *recipe,
                              const char *path, ft_error *err);
ft_status train_peft_write(const train_lora *l, const float *params, const train_recipe *recipe, const char *folder,
                           ft_error *err);

/* ---- fit.c */

typedef struct train_progress {
    int step, steps;
    double loss, valid;    /* of the last steps, and the last validation (0: none yet) */
    double tokens_per_s, seconds_left;
    bool last;
} train_progress;

typedef struct train_job {
    const char *recipe, *section;    /* file, and which of its sections */
    const char *data_dir, *out_dir;
    int threads;
    void *user;
    int (*progress)(void *user, const train_progress *p); /* after each step; 0 to go on */
    ft_allocator allocator;
} train_job;
/* Trains and writes; goes on from OUT/FILE.checkpoint if there is one.  OUT/FILE.log gets a line of JSON now
   and then.  FT_ERR_CANCELLED if `progress` says so; FT_ERR_NUMERIC if the loss is not finite. */
ft_status train_job_run(const train_job *job, ft_error *err);

/* ---- svg.c.  Draws the losses of log files, one below the other. */
ft_status train_svg_write(const char *const *logs, int n_logs, const char *path, ft_error *err);

#endif
