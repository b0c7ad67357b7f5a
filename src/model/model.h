/* Floor 3, the model half: a file's tensors bound to their places, adapters, and the one forward pass. */
#ifndef FT__MODEL_H
#define FT__MODEL_H

#include "../num/num.h"
#include "../text/text.h"

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
