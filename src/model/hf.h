/* Floor 3, beside the model half: Hugging Face folders, presented as a GGUF file in memory so that nothing
   else need know about them. */
#ifndef FT__MODEL_HF_H
#define FT__MODEL_HF_H

#include "../io/io.h"

/* ---- hf: model/hf.c */

/* config.json, *.safetensors, tokenizer.json, tokenizer_config.json, generation_config.json and chat
   templates of the folder as keys and tensors of *g.  Tensors that GGUF holds alike stay in the mapped
   files; the others are made in memory.  *g needs ft__gguf_close only after success. */
FT__PRIV ft_status ft__hf_open(ft__gguf *g, const char *folder, const ft_allocator *a, ft_error *err);

/* ---- split: model/split.c */

FT__PRIV bool ft__split_first(const char *path, int *count);
/* The path of file `number` (from 1 on) of `count`, in the arena. */
FT__PRIV char *ft__split_path(ft__arena *arena, const char *first, int number, int count);
/* A GGUF file, or the first of several. */
FT__PRIV ft_status ft__split_gguf_open(ft__gguf *g, const char *path, const ft_allocator *a, ft_error *err);
/* That, or a folder. */
FT__PRIV ft_status ft__model_file_open(ft__gguf *g, const char *path, const ft_allocator *a, ft_error *err);

/* One tensor of the folder, whichever file it is in. */
typedef struct ft__hf_tensor {
    const char *name;  /* as in the file */
    const char *file;  /* which is in the folder */
    const ft__st_tensor *t;
    bool used;
} ft__hf_tensor;

/* What h->dim holds, and shapes are made of. */
enum {
    FT__HF_ONE, FT__HF_D, FT__HF_Q, FT__HF_KV, FT__HF_QKV, FT__HF_F, FT__HF_2F, FT__HF_FE, FT__HF_HD,
    FT__HF_E, FT__HF_V, FT__HF_H, FT__HF_HKV, FT__HF_L, FT__HF_CTX,
    FT__HF_DIMS
};

/* What a folder has, by its family and by what config.json says. */
enum {
    FT__HF_PAIRS = 1 << 0,       /* rows of q and k move */
    FT__HF_PLUS_ONE = 1 << 1,    /* norm weights are stored less 1 */
    FT__HF_POST_NORMS = 1 << 2,  /* norms after attention and after the gated unit */
    FT__HF_NO_PRE = 1 << 3,      /* none before */
    FT__HF_QK_NORM = 1 << 4,     /* of each head */
    FT__HF_QK_WHOLE = 1 << 5,    /* of whole projections */
    FT__HF_QKV_BIAS = 1 << 6,
    FT__HF_O_BIAS = 1 << 7,
    FT__HF_FFN_BIAS = 1 << 8,
    FT__HF_FUSED = 1 << 9,       /* q, k, v in one tensor, gate and up in another */
    FT__HF_MIXTRAL = 1 << 10,    /* experts, by Mixtral's names */
    FT__HF_QWEN_MOE = 1 << 11,   /* experts, by Qwen's names */
    FT__HF_WINDOW = 1 << 12,     /* the architecture has windows */
    FT__HF_WINDOW_ASKED = 1 << 13, /* a window counts only with use_sliding_window */
    FT__HF_GEMMA = 1 << 14,
    FT__HF_NOPE = 1 << 15,       /* every fourth layer has no rope */
    FT__HF_GRANITE = 1 << 16,
    FT__HF_ASKS_BIAS = 1 << 17,  /* reads attention_bias: of q, k, v and o */
    FT__HF_ASKS_FFN_BIAS = 1 << 18, /* reads mlp_bias */
    FT__HF_PARTIAL = 1 << 19,    /* reads partial_rotary_factor; has longrope */
    FT__HF_EXPERTS = FT__HF_MIXTRAL | FT__HF_QWEN_MOE
};

/* What becomes of a tensor. */
enum {
    FT__HF_MATRIX, /* as it is */
    FT__HF_FLOATS, /* as F32 */
    FT__HF_NORM,   /* as F32, and 1 added where the family wants it */
    FT__HF_STACK   /* one for each expert, made one tensor; the name has a %d */
};

typedef struct ft__hf_tensor_row {
    const char *hf, *gguf;
    unsigned all, none;     /* flags that a folder must have, and must not */
    uint8_t how;
    uint8_t rows, cols;     /* FT__HF_ONE, ...; rows FT__HF_ONE: a vector */
    uint8_t heads;          /* of rows that move, else FT__HF_ONE */
} ft__hf_tensor_row;

struct ft__hf_family;

/* A folder being read; shared by the three rooms. */
typedef struct ft__hf {
    ft__gguf *g;
    const char *folder;
    ft__arena arena;          /* what only the reading needs */
    ft_error *err;
    const char *name;         /* general.name */
    const ft__json *root;     /* config.json */
    const ft__json *config;   /* the language model's part of it */
    const ft__json *rope;     /* rope_scaling or rope_parameters, or NULL */
    const struct ft__hf_family *family;
    unsigned flags;           /* the family's, and what config.json adds */
    ft__safetensors *shards;
    size_t n_shards;
    ft__hf_tensor *tensors;   /* (n_tensors) sorted by name */
    size_t n_tensors;
    const char *prefix;       /* of the names of the language model's tensors: "model." */
    uint64_t dim[FT__HF_DIMS]; /* the sizes that shapes are made of */
} ft__hf;

/* A JSON file of the folder, whose value must be an object; *value is NULL if the file is not there. */
FT__PRIV ft_status ft__hf_json(ft__hf *h, const char *file, const ft__json **value);
/* A text file of the folder, in h->arena; *text is NULL if the file is not there. */
FT__PRIV ft_status ft__hf_text(ft__hf *h, const char *file, char **text, size_t *n);
/* The failure at "folder/file: field". */
FT__PRIV ft_status ft__hf_fail(ft__hf *h, ft_status status, const char *file, const char *field,
                               const char *fmt, ...) FT__PRINTF(5, 6);
/* The member, or NULL if it is absent or null. */
FT__PRIV const ft__json *ft__hf_get(const ft__json *object, const char *key);

/* NAME.safetensors or the files that NAME.safetensors.index.json names: h->shards and h->tensors. */
FT__PRIV ft_status ft__hf_open_shards(ft__hf *h, const char *stem);
FT__PRIV ft__hf_tensor *ft__hf_find(ft__hf *h, const char *name); /* NULL: none */
/* Of the table of what tensors of layers become; NULL behind its end. */
FT__PRIV const ft__hf_tensor_row *ft__hf_row_at(size_t i);
/* A tensor of h->g under that name: a matrix as it is, values as F32, rows moved where the row says so. */
FT__PRIV ft_status ft__hf_put_matrix(ft__hf *h, const ft__hf_tensor_row *row, const ft__st_tensor *t,
                                     const char *gguf_name);
FT__PRIV ft_status ft__hf_put_floats(ft__hf *h, const ft__hf_tensor_row *row, const ft__st_tensor *t,
                                     const char *gguf_name);

/* ---- hf_config: model/hf_config.c */

/* All of config.json: h->family, flags, sizes and the keys that follow from them. */
FT__PRIV ft_status ft__hf_read_config(ft__hf *h);
/* A member of h->config, an integer from 1 to `highest`; where it is absent: `otherwise`, or an error if that
   is 0. */
FT__PRIV ft_status ft__hf_int(ft__hf *h, const char *key, uint64_t highest, uint64_t otherwise,
                              uint64_t *value);
FT__PRIV ft_status ft__hf_bool(ft__hf *h, const char *key, bool *value); /* absent: *value stays */
FT__PRIV void ft__hf_put_int(ft__hf *h, const char *key, uint64_t value); /* the architecture's key */

/* ---- hf_tokenizer: model/hf_tokenizer.c */

/* The tokenizer's keys, for a vocabulary of n_vocab rows. */
FT__PRIV ft_status ft__hf_tokenizer(ft__hf *h, uint64_t n_vocab);

#endif /* FT__MODEL_HF_H */
