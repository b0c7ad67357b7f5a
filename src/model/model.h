/* Floor 3, the model half: a file's tensors bound to their places, adapters, and the one forward pass. */
#ifndef FT__MODEL_H
#define FT__MODEL_H

#include "../num/num.h"
#include "../text/text.h"

/* ---- arch: model/arch.c.  What a file's metadata says about the model. */

/* What stands between gate and up. */
typedef enum ft__act {
    FT__ACT_SILU,   /* silu(gate) up */
    FT__ACT_GELU,   /* gelu(gate) up, the tanh form */
    FT__ACT_CLAMPED /* gate sigmoid(1.702 gate) (up + 1), gate and up kept within 7 */
} ft__act;

/* What mixes a token with those before it. */
typedef enum ft__mixer {
    FT__MIXER_ATTENTION,
    FT__MIXER_LATENT, /* attention over a compressed key that is its own value (DeepSeek's MLA) */
    FT__MIXER_CONV,   /* a short convolution; in the table: where a layer has no KV heads (LFM2) */
    FT__MIXER_DELTA   /* a gated delta net; in the table: in all but every so-manieth layer (Qwen3.5) */
} ft__mixer;

/* How the experts of a token are chosen; the numbers of the key expert_gating_func. */
typedef enum ft__gating {
    FT__GATING_NONE, /* the architecture has no experts */
    FT__GATING_SOFTMAX,
    FT__GATING_SIGMOID,
    FT__GATING_CHOSEN /* by logit; softmax over the chosen */
} ft__gating;

/* Flags of an architecture. */
enum {
    FT__ARCH_NEOX = 1 << 0,             /* a rope pair is (i, i + n_rot / 2), not two neighbours */
    FT__ARCH_ROPE_FREQS = 1 << 1,       /* may have rope_freqs.weight */
    FT__ARCH_LONG_ROPE = 1 << 2,        /* may have rope_factors_long and _short */
    FT__ARCH_YARN_KEYS = 1 << 3,        /* reads yarn_beta_* and yarn_log_multiplier */
    FT__ARCH_LOCAL_BASE = 1 << 4,       /* layers with a window may have their own rope base */
    FT__ARCH_LOCAL_PLAIN = 1 << 5,      /* and no rope scaling */
    FT__ARCH_FULL_UNTURNED = 1 << 6,    /* layers without a window have no rope */
    FT__ARCH_FOURTH_UNTURNED = 1 << 7,  /* every fourth layer has no rope */
    FT__ARCH_CHUNKS = 1 << 8,           /* the others see only their stretch of 8192 positions */
    FT__ARCH_ALL_LOCAL = 1 << 9,        /* every layer has the window */
    FT__ARCH_SINKS = 1 << 10,
    FT__ARCH_TEMPERATURE = 1 << 11,     /* reads attention.temperature_scale */
    FT__ARCH_QK_NORM = 1 << 12,         /* q and k are normed, head by head, before rope */
    FT__ARCH_QK_NORM_MAYBE = 1 << 13,   /* or they are not: the tensors say so */
    FT__ARCH_QK_NORM_WHOLE = 1 << 14,   /* over the whole projection instead */
    FT__ARCH_QK_NORM_TURNED = 1 << 15,  /* after rope, where there is one, without weights */
    FT__ARCH_LAYER_NORM = 1 << 16,      /* norms take the mean away */
    FT__ARCH_NO_PRE_NORM = 1 << 17,
    FT__ARCH_POST_NORM = 1 << 18,       /* the outputs of mixer and gated unit are normed */
    FT__ARCH_PARALLEL = 1 << 19,        /* mixer and gated unit have the same input */
    FT__ARCH_GEMMA = 1 << 20,           /* embeddings times sqrt(n_embd); reads final_logit_softcapping */
    FT__ARCH_GRANITE_SCALES = 1 << 21,  /* reads embedding_scale, residual_scale, attention.scale, logit_scale */
    FT__ARCH_LOGIT_SCALE = 1 << 22,     /* reads logit_scale, which multiplies */
    FT__ARCH_GATE_IN_UP = 1 << 23,      /* ffn_up holds the gate's rows, then its own */
    FT__ARCH_EXPERTS_NORMED = 1 << 24,  /* weights of the chosen sum to 1 */
    FT__ARCH_EXPERTS_KEYED = 1 << 25,   /* reads gating, norm, scale, groups and leading dense layers */
    FT__ARCH_EXPERT_LENGTH = 1 << 26,   /* reads expert_feed_forward_length */
    FT__ARCH_EXPERT_BIAS = 1 << 27,     /* of router, gate, up and down */
    FT__ARCH_SHARED_EXPERT = 1 << 28,
    FT__ARCH_WEIGH_INPUT = 1 << 29,     /* an expert's weight multiplies its input; experts are in every
                                           interleave_moe_layer_step-th layer */
    FT__ARCH_GEMMA4 = 1 << 30           /* a kind of its own: what ft__layer and ft_model have for gemma4 */
};

/* How an architecture differs from llama. */
typedef struct ft__arch {
    const char *name;
    unsigned flags;        /* FT__ARCH_* */
    ft__act act;
    const char *ffn_norm;  /* name of the gated unit's norm, or NULL */
    int window;            /* where the key is absent; 0 = none, -1: the key is needed */
    int window_period;     /* every so-manieth layer is full; 0: the key of the window is not read */
    float attn_cap;        /* soft cap of scores where the key is absent; 0: the key is not read */
    float logit_cap;       /* of logits, where the key is absent; 0 = none */
    int wide_layers;       /* models of so many layers scale scores by n_embd / n_heads */
    ft__gating gating;
    ft__mixer mixer;
} ft__arch;
FT__PRIV const ft__arch *ft__arch_find(const char *name); /* NULL: none */
FT__PRIV const ft__arch *ft__arch_at(size_t i);           /* the i-th row, or NULL */

/* The rotation of heads by position. */
typedef struct ft__rope {
    int n_rot;    /* dimensions of a head that turn */
    double *freq; /* (n_rot / 2) radians per position; NULL: the model has no such rope */
    float scale;  /* of cos and sin */
} ft__rope;
/* Of most layers; of those with a window, where theirs differs; of all in a long context. */
enum { FT__ROPE_FULL, FT__ROPE_LOCAL, FT__ROPE_LONG, FT__ROPES };

/* ---- moe: model/moe.c */

typedef struct ft__routing {
    int n_experts, n_used;
    ft__gating gating;
    bool normed;                 /* the weights of the chosen sum to 1, before the scale */
    float scale;
    int n_groups, n_groups_used; /* over 1: only experts of the best groups are chosen */
} ft__routing;
enum { FT__MAX_EXPERTS = 1024 };
/* Router logits p (n_experts) of one token, in place, to weights: 0 for those that are not chosen.  `bias` is
   added for the choice alone, or NULL.  If one of either is not finite all weights become NaN, which shows in
   the logits and is reported there. */
FT__PRIV void ft__moe_route(const ft__routing *r, const float *bias, float *p);

/* ---- weights: model/weights.c */

/* The linear maps that most layers have. */
typedef enum ft__module {
    FT__Q, FT__K, FT__V, FT__O, FT__GATE, FT__UP, FT__DOWN, FT__LAYER_MODULES
} ft__module;

/* A linear map and its place: adapters name what they change by the file's tensors, of which a map may be some
   rows only (attn_qkv, experts, heads). */
typedef struct ft__linear {
    ft__matrix w;
    float *bias;   /* (n_rows) or NULL */
    int tensor;    /* of the file; file.n_tensors is the head that is the embedding; -1: the file has it
                      otherwise */
    int first_row; /* of w in that tensor, counted over all experts */
} ft__linear;

/* One of all linear maps of a model. */
typedef struct ft__model_map {
    ft__linear *linear;
    int n_slices; /* runs of rows, equally long, that are used one by one: experts, heads */
} ft__model_map;

/* What is NULL or absent has no part in the layer. */
typedef struct ft__layer {
    ft__mixer mixer;
    ft__attention attention;                /* its shape; a session knows the cache */
    int n_ff;
    float scale;                            /* of x after the layer; 1 = none */
    int rope;                               /* FT__ROPE_*, or -1: heads do not turn */
    float *attn_norm, *attn_post_norm;      /* (n_embd) */
    float *ffn_norm, *ffn_post_norm;        /* (n_embd) */
    float *q_norm, *k_norm;                 /* (head_dim), or as long as the projection */
    ft__linear module[FT__LAYER_MODULES];   /* gate, up and down are absent in a layer of experts */
    ft__linear router;                      /* (n_experts, n_embd) */
    float *choice_bias;                     /* (n_experts) of the choice alone */
    ft__linear expert[3];                   /* gate, up, down: all experts' rows one after the other; where there
                                               is no up, each expert's gate holds its rows as well */
    ft__linear shared[3];                   /* gate, up, down of the expert that all tokens take */
    ft__linear shared_gate;                 /* (1, n_embd) its share is sigmoid of this */
    ft__linear q_a, q_b, kv_a;              /* latent: into the ranks of q and of the keys; q out of its rank */
    float *q_a_norm, *kv_a_norm;            /* (q_rank), (kv_rank) */
    ft__linear k_b, v_b;                    /* (n_heads * kv_rank, nope), (n_heads * v_dim, kv_rank) */
    ft__linear conv_in, conv_out;           /* conv: (3 n_embd, n_embd), (n_embd, n_embd); delta: into q, k, v
                                               of its heads, and out of the v heads */
    float *conv;                            /* (channels, n_taps), the last tap is the token itself */
    ft__linear delta_gate, delta_rate, delta_write; /* delta: (v heads * size, n_embd), (v heads, n_embd) */
    float *delta_decay, *delta_bias;        /* (v heads) of the rate */
    float *delta_norm;                      /* (size) */
    int kv_from;                            /* gemma4: the layer whose keys and values this one reads, or -1 */
    float *router_norm, *expert_norm;       /* (n_embd) of the experts' inputs, where they run beside the unit */
    float *unit_post_norm, *expert_post_norm; /* (n_embd) of their outputs */
    float *expert_scale;                    /* (n_experts) of each one's output */
    ft__linear own_in, own_out;             /* (n_own, n_embd), (n_embd, n_own): a token's own input of the layer */
    float *own_norm;                        /* (n_embd) */
} ft__layer;

struct ft_model {
    ft_allocator allocator;
    ft__gguf file;
    ft__arena arena;          /* norms, biases, tables */
    ft__kernels kernels;
    ft__vocab *vocab;
    ft_model_info info;
    const ft__arch *arch;
    float norm_eps;
    float embedding_scale, residual_scale, logit_scale; /* factors; 1 = none */
    float logit_cap;          /* logits become cap tanh(logits / cap); 0 = none */
    double temperature;       /* q *= 1 + temperature log(1 + floor((position + shift) / span)); 0 = none */
    double temperature_span, temperature_shift;
    ft__rope rope[FT__ROPES];
    int q_rank, kv_rank;      /* latent attention; no q_rank: q is one map */
    int nope, v_dim;          /* dimensions of its keys that do not turn, of its values */
    double latent_scale;      /* of its scores, beside 1 / sqrt(key length) */
    int n_taps;               /* of convolutions */
    int delta_size, n_delta_k, n_delta_v; /* delta nets: of a head, heads of q and k, of v */
    int local_head_dim;       /* gemma4: of layers with a window */
    int n_own;                /* gemma4: length of the input that each token has for each layer, or 0 */
    ft__linear own_embedding; /* (n_vocab, n_layers * n_own) */
    ft__linear own_map;       /* (n_layers * n_own, n_embd) */
    float *own_map_norm;      /* (n_own) */
    int long_from;            /* contexts over this take FT__ROPE_LONG, where there is one */
    int n_ff_expert, n_ff_shared;
    int first_expert_layer, expert_layer_step; /* layers with experts: from the first, every so-manieth */
    ft__routing routing;
    ft__linear embedding;     /* (n_vocab, n_embd) */
    float *output_norm;       /* (n_embd) */
    uint8_t *packed;          /* all packed weights, or NULL */
    ft__linear output;        /* (n_vocab, n_embd); the embedding itself where tied */
    ft__layer *layers;        /* (n_layers) */
    ft__model_map *maps;      /* (n_maps) all linear maps */
    int n_maps;
    float **vectors;          /* (file.n_tensors) the small tensors as floats, or NULL */
};

/* A model being loaded. */
typedef struct ft__loader {
    ft_model *m;
    ft_error *err;
    bool *used;       /* (file.n_tensors) */
    bool *read;       /* (file.n_kv) keys that were asked for */
    char name[128];   /* of the tensor or key last asked for */
    char where[384];
    int n_skipped;    /* blocks behind the last layer that are not run */
} ft__loader;
/* A small tensor as floats of our own, (n, depth); *out is NULL for an optional one that is absent. */
FT__PRIV ft_status ft__weights_vector(ft__loader *l, const char *name, int n, int depth, bool optional,
                                      float **out);
/* arch.c.  A key of the architecture, noted as read, or NULL; l->name is its full name. */
FT__PRIV const ft__gguf_kv *ft__arch_key(ft__loader *l, const char *key);
/* *value is the default.  A value outside the range is an error, and so is an absent key if the default is. */
FT__PRIV ft_status ft__arch_int(ft__loader *l, const char *key, int lowest, int highest, int *value);
FT__PRIV ft_status ft__arch_float(ft__loader *l, const char *key, double lowest, double highest, double *value);
FT__PRIV bool ft__arch_has(const ft_model *m, unsigned flag);
/* rope.c: the model's ropes; its head_dim is known. */
FT__PRIV ft_status ft__rope_read(ft__loader *l);
/* All keys to the model's fields, the layers' shapes and the ropes. */
FT__PRIV ft_status ft__arch_read(ft__loader *l);
/* Whether layer i has experts. */
FT__PRIV bool ft__arch_has_experts(const ft_model *m, int layer);
/* FT_ERR_UNSUPPORTED if a key that was not read would change the numbers. */
FT__PRIV ft_status ft__arch_check_unread(ft__loader *l);

/* The model of a file that is open, which is taken over and closed if it fails. */
FT__PRIV ft_model *ft__model_make(ft__gguf *file, const ft_model_desc *desc, ft_error *err);

/* ---- maps: model/maps.c */

FT__PRIV ft_status ft__model_list_maps(ft_model *m, ft_error *err);
/* Takes the weights that the other model (or NULL) has, too, from there. */
FT__PRIV void ft__model_share(ft_model *m, const ft_model *other);
/* Packs what is not shared; 0 threads: as many as processors. */
FT__PRIV ft_status ft__model_pack(ft_model *m, int threads, ft_error *err);
/* Bytes of memory that packing this model takes, and of the file that they stand for. */
FT__PRIV void ft__model_packed_bytes(const ft_model *m, size_t *packed, size_t *replaced);

/* The tensor of the file with that name, as ft__linear counts them, or -1; and the name of one. */
FT__PRIV int ft__model_tensor(const ft_model *m, const char *name);
FT__PRIV const char *ft__model_tensor_name(const ft_model *m, int tensor);

/* ---- digest: model/digest.c */

/* The names of the folder's files that count, sorted, in the arena; the list itself is the caller's to free. */
FT__PRIV ft_status ft__digest_names(const char *folder, ft__arena *arena, const char ***names, size_t *n,
                                    ft_error *err);

/* ---- adapter: model/adapter.c, model/adapter_read.c */

/* What an adapter does to one tensor of the model: factors, which may come with a gain and a bias, or another
   tensor in its place.  Rows are counted as in the file, over all experts. */
typedef struct ft__change {
    int tensor;
    int n_in, n_out, depth; /* of the tensor: of each of `depth` experts */
    bool embedding;         /* its rows are looked up by token */
    int rank;               /* 0: no factors */
    float factor;           /* of B A and of the bias: alpha / rank, or what the file says */
    const float *a;         /* (depth, rank, n_in); of an embedding a row per token: (n_vocab, rank) */
    const float *b;         /* B turned, outputs side by side: of the map (or slice) that begins at a row,
                               (rank, its rows) at b + rank * row; of an embedding (rank, n_embd) */
    const float *bias;      /* (n_out) behind B, or NULL */
    const float *gain;      /* (n_out) DoRA's m / |W + factor BA| less 1 (B then holds the factor, too), or NULL */
    ft__matrix whole;       /* instead of the tensor's rows; data NULL: none */
    const float *vector;    /* instead of a norm's weights or a bias, or NULL: */
    const float *replaces;  /* the model's, as long */
    size_t n_vector;
} ft__change;

struct ft_adapter {
    const ft_model *model;
    ft__arena arena;
    ft__change *changes;    /* (n_changes) in the order of their tensors */
    int n_changes;
    ft__change **change_of; /* (file.n_tensors + 1) by tensor; NULL: none */
    int n_vectors;          /* changes that replace one */
    int max_rank;
};
FT__PRIV const char *ft__change_kind(const ft__change *c); /* "lora", "dora", "replacement" */
/* The change of a map's tensor, or NULL. */
FT__PRIV const ft__change *ft__adapter_change(const ft_adapter *a, const ft__linear *l);
/* A and B of a map, which is what the change's tensor has or a part of it. */
FT__PRIV ft__matrix ft__change_a(const ft__change *c, const ft__linear *l);
FT__PRIV const float *ft__change_b(const ft__change *c, const ft__linear *l);
/* w (n_rows, columns) += scale * what the adapter changes of the rows from first_row on, each row counted as in
   the file, over all experts; `base` are the model's own.  Norms and biases are one row.  In double.  The bias
   behind B is none of W's: a merge adds scale * factor * bias to the map's. */
FT__PRIV ft_status ft__adapter_apply(const ft_adapter *a, float scale, int tensor, uint64_t first_row,
                                     uint64_t n_rows, const float *base, float *w, ft_error *err);
/* Whether nothing comes of it at that scale: in each pair of factors one is all zeros, and there is nothing else. */
FT__PRIV bool ft__adapter_idle(const ft_adapter *a, float scale);
/* Whether they may be used together, each at its scale: FT_ERR_UNSUPPORTED, FT_ERR_MISMATCH. */
FT__PRIV ft_status ft__adapter_check_uses(const ft_adapter_use *uses, int n_uses, ft_error *err);

/* ---- remake: model/remake.c.  One tensor decoded, changed and encoded. */

/* Sums over all elements: of the weights as they were, with the change, of the change itself, of what encoding
   loses, squared; and of what is stored of the change times the change. */
typedef struct ft__remade { double weight, result, change, error, kept; } ft__remade;

typedef struct ft__remake_desc {
    ft_allocator allocator;
    ft__pool *pool;
    const ft__gguf_tensor *from;
    uint32_t type;            /* it becomes */
    const char *where;        /* for errors */
    void *user;               /* of both functions */
    /* Adds to w (n_rows, columns), which begins as `base`; called for different rows at a time.  NULL: nothing. */
    ft_status (*change)(void *user, uint64_t first_row, uint64_t n_rows, const float *base, float *w, ft_error *err);
    /* Takes the tensor's bytes, in order. */
    ft_status (*put)(void *user, const uint8_t *bytes, size_t n, ft_error *err);
} ft__remake_desc;
/* *made stays 0 where nothing changes and the bytes are handed on as they are. */
FT__PRIV ft_status ft__remake_tensor(const ft__remake_desc *desc, ft__remade *made, ft_error *err);

/* ---- mix: model/mix.c.  Which type each tensor of a quantised model has. */
typedef struct ft__mix {
    const char *name;   /* "Q4_K_M" */
    uint32_t file_type; /* the number of it that general.file_type holds */
    uint32_t type;      /* of most tensors */
} ft__mix;
FT__PRIV ft_status ft__mix_find(const char *name, const ft__mix **mix, ft_error *err);
/* types (n_tensors): what each tensor of the model becomes; its own, where it is better left alone. */
FT__PRIV ft_status ft__mix_types(const ft__mix *mix, const ft__gguf *g, const ft_allocator *a, uint32_t *types,
                                 ft_error *err);

/* ---- rewrite: model/rewrite.c.  A whole model made anew, into a file or in memory. */
typedef struct ft__rewrite_item {
    const ft__gguf_tensor *from;
    const char *name;
    uint32_t type;      /* it becomes */
    bool changes;
    ft__remade made;
} ft__rewrite_item;

typedef struct ft__rewrite {
    ft_allocator allocator;
    const ft_convert_desc *desc;
    const ft__gguf *from;
    const ft__mix *mix;      /* or NULL: types stay */
    ft__rewrite_item *items; /* (n_items) the tensors in their order, then new ones */
    size_t n_items;
    ft__pool *pool;
    void *user;              /* of `change`: as in ft__remake_desc, for items that change */
    ft_status (*change)(void *user, const ft__rewrite_item *item, uint64_t first_row, uint64_t n_rows,
                        const float *base, float *w, ft_error *err);
} ft__rewrite;
/* Items for all tensors of `from`, which stay as they are or become what `type` (NULL: none) wants, with room for
   n_new more.  *w needs ft__rewrite_end, whatever failed. */
FT__PRIV ft_status ft__rewrite_begin(ft__rewrite *w, const ft__gguf *from, const char *type, size_t n_new,
                                     const ft_convert_desc *desc, ft_error *err);
FT__PRIV void ft__rewrite_end(ft__rewrite *w);
/* `report` makes its text in *out before the file gets its name; `write` receives it afterwards (NULL: none). */
FT__PRIV ft_status ft__rewrite_file(ft__rewrite *w, const char *path, void (*report)(const ft__rewrite *w, ft__buf *out),
                                    ft_write_fn write, void *user, ft_error *err);
/* The items take their places in g->tensors, of which there are as many. */
FT__PRIV ft_status ft__rewrite_memory(ft__rewrite *w, ft__gguf *g, ft_error *err);
/* 100 sqrt(part / whole), for people: width counts, four decimals. */
FT__PRIV void ft__rewrite_percent(ft__buf *out, double part, double whole, int width);

/* ---- quantize: model/quantize.c.  Weights of g, in memory, become what the type wants. */
FT__PRIV ft_status ft__quantize_memory(ft__gguf *g, const char *type, const ft_allocator *a, int threads, ft_error *err);

/* ---- merge: model/merge.c */
/* "FILE" or "FILE:SCALE"; *path is the caller's to free. */
FT__PRIV ft_status ft__adapter_spec(const char *spec, const ft_allocator *a, char **path, float *scale, ft_error *err);

/* ---- forward: model/forward.c */

/* Adapters on the base, in order. */
typedef struct ft__adaptation {
    ft_adapter_use *uses; /* NULL: removed */
    int n_uses;
} ft__adaptation;

/* One token of a batch: what it is, where it stands, whose it is, where its logits go (or NULL). */
typedef struct ft__slot {
    int32_t token;
    int position, variant;
    uint8_t *const *pages;
    float *logits;   /* (n_vocab) */
    float *logits_2; /* a second place */
    float *state;    /* the sequence's: see ft__scratch */
} ft__slot;

/* Scratch memory for up to max_tokens tokens; shapes as (rows, columns). */
typedef struct ft__scratch {
    int max_tokens, max_rows; /* logits are computed for max_rows tokens at a time */
    float *x, *h;             /* (max_tokens, n_embd) */
    float *side;              /* (max_tokens, n_embd) the gated unit's, where it runs beside the mixer */
    float *q, *att;           /* (max_tokens, n_heads * head_dim) */
    float *k, *v;             /* (max_tokens, n_kv_heads * head_dim) */
    float *gate, *up;         /* (max_tokens, widest of the gated units, or rank) */
    float *wide;              /* (max_tokens, what a mixer of its own needs) */
    float *own;               /* (n_layers, max_tokens, n_own) */
    float *rope[FT__ROPES];   /* (max_tokens, n_rot): cos and sin by turns; NULL: not used */
    bool long_context;        /* FT__ROPE_LONG stands for FT__ROPE_FULL */
    int8_t *q8;               /* (max_tokens, widest input) */
    float *q8_scale;          /* (max_tokens, widest input / 32) */
    float *low;               /* (max_tokens, highest rank): the session's, as variants come */
    uint8_t *tiles;           /* the same as ft__acts has it in tiles */
    ft__attention *attention; /* (n_layers) with their places in a page */
    size_t page_bytes;
    size_t *state_at;         /* (n_layers) where in a sequence's state a layer's lies */
    size_t n_state;           /* floats that a sequence carries along, beside its pages */
    float **attend;           /* (n_threads) scratch of ft__attend */
    int *attend_busy;         /* (n_threads) atomic: 1 while a thread uses it */
    int n_threads;
    int *blocks;              /* (max_tokens + 1) first slot of each block that attends together */
    float *logits;            /* (max_rows, n_vocab) */
    int *rows, *variants;     /* (max_tokens) */
    int *expert_variants;     /* (max_tokens) of the tokens in expert_x */
    float *expert_x, *expert_y; /* (max_tokens, n_embd) */
    float *expert_weight;     /* (max_tokens, n_experts) */
} ft__scratch;
/* For a context of n_ctx positions and a cache of type kv. */
FT__PRIV bool ft__scratch_init(ft__scratch *s, const ft_model *m, int max_tokens, int n_threads, int n_ctx,
                               ft_kv_type kv, ft__arena *arena);

typedef struct ft__forward {
    const ft_model *model;
    ft__pool *pool;
    ft__scratch *scratch;
    const ft__adaptation *variants;
    const ft__slot *slots;    /* (n_slots), tokens of one variant next to each other */
    int n_slots, n_blocks;
    int layer;                /* that is being computed */
    int overflow;             /* atomic: a key or value did not fit the cache's type */
} ft__forward;

/* Runs fn(user, part) for parts 0..n-1, over the threads if it is worth it. */
FT__PRIV void ft__forward_share(ft__forward *f, void (*fn)(void *user, int part), void *user, int n,
                                size_t operations);

FT__PRIV float ft__forward_sigmoid(float x);
/* The model's norm of n numbers; out may be x. */
FT__PRIV void ft__forward_norm(const ft_model *m, const float *x, const float *weight, int n, float *out);

/* Inputs of matrices.  What is pending is done row by row: residual added, normed or gated, then int8 where the
   weights want that. */
typedef struct ft__forward_input {
    const ft__forward *f;
    float *x;              /* (n, n_cols) */
    int n, n_cols;
    unsigned want;
    float *add;            /* (n, n_cols) to be added to x first, or NULL; */
    const float *add_norm; /* normed with this before, or NULL */
    float scale;           /* then x is scaled, ... */
    const float *norm;     /* ... and normed with this into `normed`, or NULL */
    float *normed;
    const float *up;       /* or x becomes the gate of this, or NULL */
} ft__forward_input;
FT__PRIV unsigned ft__forward_want(const ft__matrix *w); /* the forms of int8 that it takes; 0 if absent */
FT__PRIV ft__forward_input ft__forward_input_of(const ft__forward *f, float *x, int n, int n_cols, unsigned want);
/* The int8 form has one buffer and is good until the next call. */
FT__PRIV ft__acts ft__forward_acts(ft__forward *f, ft__forward_input in);
/* All tokens' rows x as they are, for w. */
FT__PRIV ft__acts ft__forward_rows(ft__forward *f, float *x, const ft__matrix *w);
/* The gated unit of a layer on its normed input. */
FT__PRIV void ft__forward_dense(ft__forward *f, int layer, const ft__acts *a, float *out);
FT__PRIV void ft__forward_turn(const ft__forward *f, int t, int rope, float *x); /* one head, from its first */
/* `store` norms, turns and stores each token's heads; then all attend, into s->att. */
FT__PRIV void ft__forward_attend(ft__forward *f, void (*store)(void *user, int token));

/* ---- linear: model/linear.c */

/* out[t * ld + r] = the map's product with the activations, each token under its variant. */
FT__PRIV void ft__forward_linear(ft__forward *f, const ft__linear *l, const ft__acts *a, const int *variants,
                                 float *out, size_t ld);
/* A norm's weights or a bias as the variant has it. */
FT__PRIV const float *ft__forward_vector(const ft__forward *f, int variant, const float *vector);
FT__PRIV void ft__forward_embed(ft__forward *f, const ft__slot *slot, float *x); /* the embedding of its token */

/* ---- moe: model/moe.c.  From a layer's normed input to the output of its experts in s->h. */
FT__PRIV void ft__moe_experts(ft__forward *f, int layer, const ft__acts *a);
/* gemma4: of its gated unit and, beside it, of its experts. */
FT__PRIV void ft__moe_beside(ft__forward *f, int layer, const ft__acts *a);

/* ---- mixers: model/mixers.c.  From a layer's normed input to its output in s->h. */
FT__PRIV void ft__mixer_latent(ft__forward *f, int layer, const ft__acts *a);
FT__PRIV void ft__mixer_conv(ft__forward *f, int layer, const ft__acts *a);
FT__PRIV void ft__mixer_delta(ft__forward *f, int layer, const ft__acts *a);
/* gemma4: the tokens' own inputs of all layers, from the embeddings in s->x; and what a layer makes of its. */
FT__PRIV void ft__mixer_own_inputs(ft__forward *f);
FT__PRIV void ft__mixer_own(ft__forward *f, int layer);

/* Computes the batch: stores keys and values, writes logits.  FT_ERR_NUMERIC if a cache value or a logit
   is not finite. */
FT__PRIV ft_status ft__forward_run(ft__forward *f, ft_error *err);

#endif /* FT__MODEL_H */
