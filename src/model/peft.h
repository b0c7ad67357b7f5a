/* Floor 3, beside the model half: folders of PEFT adapters, presented as a GGUF adapter in memory so that
   nothing else need know about them. */
#ifndef FT__MODEL_PEFT_H
#define FT__MODEL_PEFT_H

#include "hf.h"
#include "model.h"

/* ---- peft: model/peft.c */

/* adapter_config.json and adapter_model.safetensors of the folder as keys and tensors of *g, under the names
   of the base's own file and with rows where that file has them:
     T.lora_a, T.lora_b       the pair (T: a tensor of the base; 3 dimensions for experts), delta = factor B A;
                              of token_embd.weight lora_a has a row for each token
     T.lora_scale             the factor, where it is not adapter.lora.alpha / rank
     T.lora_bias              of B, (outputs): taken times the factor
     T.dora_scale             DoRA's magnitudes, (outputs)
     T                        what replaces T; where the base ties its head, token_embd.weight is the embedding
                              alone and output.weight the head
   and ft.adapter.kind ("lora", "rslora", "dora", "vera").  *g needs ft__gguf_close only after success. */
FT__PRIV ft_status ft__peft_open(ft__gguf *g, const char *folder, const ft_model *base, ft_error *err);

/* ---- what the four rooms share */

#define FT__PEFT_CONFIG "adapter_config.json"

/* A value for the modules whose names a pattern fits. */
typedef struct ft__peft_pattern {
    ft__regex *regex;
    double value;
} ft__peft_pattern;

/* An adapter being read.  Lists of names are NULL where the file has none. */
typedef struct ft__peft {
    ft__hf h;                  /* its folder; flags and sizes are the base's */
    const ft_model *base;
    bool vera, rslora, dora, lora_bias;
    bool tied;                 /* ensure_weight_tying */
    bool any_target;           /* target_modules cannot be checked */
    bool all_linear;
    const char *bias;          /* "none", "all", "lora_only", "vera_only" */
    double alpha;
    uint64_t rank;
    const ft__json *targets, *excluded, *saved, *parameters, *tokens, *layers, *layers_pattern;
    ft__regex *target, *exclude; /* where those are one pattern */
    ft__peft_pattern *ranks, *alphas;
    size_t n_ranks, n_alphas;
} ft__peft;

#define FT__PEFT_HEAD "output.weight"
#define FT__PEFT_EMBEDDING "token_embd.weight"

/* Where a module's weight or bias belongs. */
typedef struct ft__peft_place {
    const ft__hf_tensor_row *row;
    char name[128];           /* of the base's tensor */
    const ft__gguf_tensor *w; /* that tensor; of a tied head, the embedding */
} ft__peft_place;

/* ---- tensors: model/peft.c */

/* "base_model.model." MODULE PART, or NULL. */
FT__PRIV ft__hf_tensor *ft__peft_part(ft__peft *p, const char *module, const char *part);
FT__PRIV ft_status ft__peft_bad(ft__peft *p, const ft__hf_tensor *t, ft_status status, const char *message);
FT__PRIV ft_status ft__peft_missing(ft__peft *p, const char *module, const char *part, const char *why);
/* Marks the tensor as used if it has the shape; rows 0: a vector. */
FT__PRIV ft_status ft__peft_take(ft__peft *p, ft__hf_tensor *t, uint64_t rows, uint64_t cols);
/* The rank of the configuration, which t must have: `found`. */
FT__PRIV ft_status ft__peft_check_rank(ft__peft *p, const ft__hf_tensor *t, const char *module, uint64_t found,
                                       uint64_t *rank);
/* Both factors for a matrix, taken, or an error. */
FT__PRIV ft_status ft__peft_pair(ft__peft *p, const char *module, const ft__gguf_tensor *w, ft__hf_tensor **a,
                                 ft__hf_tensor **b, uint64_t *rank);
FT__PRIV ft_status ft__peft_factor(ft__peft *p, const char *module, uint64_t rank, double *factor);
/* All values, in the arena; NULL: FT_ERR_MEMORY has been said. */
FT__PRIV float *ft__peft_floats(ft__peft *p, const ft__hf_tensor *t, ft__arena *arena);
/* A tensor of the adapter, WEIGHT.PART; n1 or n2 0: it has fewer dimensions. */
FT__PRIV void ft__peft_put(ft__peft *p, const char *weight, const char *part, uint64_t n0, uint64_t n1,
                           uint64_t n2, uint32_t format, const void *data);
FT__PRIV ft_status ft__peft_put_scale(ft__peft *p, const char *weight, double factor, uint64_t rank);

/* ---- experts: model/peft_experts.c */

/* The pairs of all experts, each a module of its own, in one tensor.  Experts without one get zeros.  t: the
   tensor that led here. */
FT__PRIV ft_status ft__peft_experts(ft__peft *p, const ft__peft_place *place, const char *module,
                                    const ft__hf_tensor *t);
/* "model.layers.3.mlp.experts", perhaps with ".base_layer" behind it (the parameter that was wrapped first). */
FT__PRIV bool ft__peft_is_experts(const ft__peft *p, const char *module, int *layer);
/* A pair over all of them. */
FT__PRIV ft_status ft__peft_parameter(ft__peft *p, const char *module, int layer);

/* ---- peft_place: model/peft_place.c */

/* What the base's architecture needs of the rules in hf.c: FT__HF_PAIRS, ... */
FT__PRIV unsigned ft__peft_flags(const ft_model *base);
/* "model.layers.0.self_attn.q_proj" and ".weight" to "blk.0.attn_q.weight"; false if the base has no such.
   p->h.prefix is then what the name begins with. */
FT__PRIV bool ft__peft_find_place(ft__peft *p, const char *module, const char *leaf, ft__peft_place *place);
/* The i-th row of what tensors of layers become; NULL behind the end.  *counts: the base's architecture uses
   it. */
FT__PRIV const ft__hf_tensor_row *ft__peft_row_at(const ft__peft *p, size_t i, bool *counts);
/* Behind what may come before "layers." and "embed_tokens". */
FT__PRIV const char *ft__peft_rest(const char *module, const char **prefix);

/* ---- peft_config: model/peft_config.c */

FT__PRIV ft_status ft__peft_read_config(ft__peft *p);
FT__PRIV void ft__peft_free_config(ft__peft *p); /* after success or failure */
/* Does the adapter touch the module ("model.layers.0.mlp.up_proj"), by target_modules and what narrows it? */
FT__PRIV ft_status ft__peft_is_target(const ft__peft *p, const char *module, bool *yes);
FT__PRIV bool ft__peft_is_parameter(const ft__peft *p, const char *parameter); /* target_parameters */
FT__PRIV bool ft__peft_is_saved(const ft__peft *p, const char *module);        /* modules_to_save */
FT__PRIV ft_status ft__peft_rank(const ft__peft *p, const char *module, uint64_t *rank);
FT__PRIV ft_status ft__peft_alpha(const ft__peft *p, const char *module, double *alpha);

#endif /* FT__MODEL_PEFT_H */
