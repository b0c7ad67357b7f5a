/* What files are: what info.c and info_adapter.c gather, and info_page.c shows. */
#ifndef FT__INFO_H
#define FT__INFO_H

#include "run.h"

enum {
    FT__INFO_TYPES = FT__FORMATS + 32,
    FT__INFO_WIDTH = 80,       /* columns of a page */
    FT__INFO_MOST_TEXT = 1000  /* bytes of a text of the file in JSON */
};

/* The tensors of one type. */
typedef struct ft__info_type {
    const char *name;
    const ft__format *format; /* NULL: no type of GGUF */
    uint64_t n_tensors, n_params, n_bytes;
} ft__info_type;

/* A number, or the ends of a list with one for each layer; absent: -1. */
typedef struct ft__info_range { int64_t lo, hi; } ft__info_range;

enum {
    FT__INFO_LAYERS, FT__INFO_EMBEDDING, FT__INFO_FF, FT__INFO_HEADS, FT__INFO_KV_HEADS, FT__INFO_HEAD_SIZE,
    FT__INFO_EXPERTS, FT__INFO_USED, FT__INFO_EXPERT_FF, FT__INFO_CONTEXT, FT__INFO_WINDOW, FT__INFO_ROT,
    FT__INFO_SIZES
};
typedef struct ft__info_template {
    const char *source, *first_line;
    size_t n, n_first_line;
    char sha256[65];
    ft_error error;             /* of parsing, or of rendering a lone question */
    const char *system, *tools; /* "used", "left out" or "refused"; NULL: not known */
} ft__info_template;

typedef struct ft__info {
    const char *path;
    ft_allocator allocator;
    ft__gguf file;              /* of a folder that cannot be read as a model: what config.json says */
    ft__arena arena;
    ft_model *model;            /* NULL if it does not run, or has no weights */
    ft_model *vocab;            /* the same, or its vocabulary alone, or NULL */
    ft_error why;               /* it does not run; or FT_OK */
    ft__info_type types[FT__INFO_TYPES];
    int n_types;
    uint64_t n_tensors, n_params, n_active, n_bytes, n_tensor_bytes, n_files;
    ft__info_range size[FT__INFO_SIZES];
    int window_layers;          /* -1: not known */
    size_t kv_page[3], state;   /* bytes of 64 positions by ft_kv_type, and of a sequence; 0: not known */
    size_t packed, replaced;    /* bytes that packing takes, and of the file that they stand for */
    ft__info_template chat;
    char sha256[65];
} ft__info;

/* ---- adapters */

/* A tensor of an adapter, whichever kind of file it is in. */
typedef struct ft__info_part {
    const char *base;         /* the tensor or module that it is about, as the file names it */
    const char *module;       /* the same without the layer: "attn_q", "self_attn.q_proj" */
    int layer;                /* -1: none */
    int what;                 /* FT__INFO_A ... */
    const ft__format *format; /* NULL: no type of GGUF */
    const char *type;
    const uint8_t *data;
    uint64_t ne[FT__MAX_DIMS], n_params, n_bytes; /* fastest first */
} ft__info_part;
enum { FT__INFO_A, FT__INFO_B, FT__INFO_SCALE, FT__INFO_BIAS, FT__INFO_DORA, FT__INFO_VERA, FT__INFO_WHOLE,
       FT__INFO_PARTS };

/* What an adapter does to one tensor or module: the parts it has. */
typedef struct ft__info_change {
    const ft__info_part *part[FT__INFO_PARTS]; /* NULL: it has none */
    const ft__info_part *any;                  /* one that it has */
    const ft__gguf_tensor *weight;             /* of the model, where one is given and has it */
    bool embedding;                            /* A holds a row per token */
    uint64_t rank;                             /* 0: no factors */
    double scale;                              /* of BA; NaN: not known */
    double norm, relative;                     /* |scale| |BA|, and |W' - W| / |W|; NaN: not known */
    const char *problem;                       /* it does not fit, and why; or NULL */
} ft__info_change;

/* The changes of one module in all layers; `mean` and so on over those that are known. */
typedef struct ft__info_group {
    const ft__info_change *first;
    uint64_t n, rank_lo, rank_hi, n_norm, n_relative;
    double scale_lo, scale_hi, norm_sum, relative_sum;
    const ft__info_change *norm_max, *relative_max;
} ft__info_group;

typedef struct ft__info_adapter {
    const char *path;
    ft_allocator allocator;
    ft__arena arena;
    ft__gguf file;            /* of a GGUF adapter */
    ft__safetensors tensors;  /* of a PEFT folder */
    bool folder, gguf_open, tensors_open;
    const ft__json *config;   /* adapter_config.json, or NULL */
    const char *method;       /* "LoRA", "DoRA" ... */
    ft__gguf_str name, architecture, base;
    double alpha;             /* NaN: none */
    bool root;                /* the scale is alpha / sqrt(rank) */
    uint64_t n_bytes, n_params;
    ft__info_part *parts;     /* (n_parts) sorted by layer and base */
    size_t n_parts;
    ft__info_change *changes; /* (n_changes) in the same order */
    size_t n_changes, n_problems;
    ft__info_group *groups;
    size_t n_groups;
    char sha256[65];
    ft_model *model;          /* that it is for, or NULL */
    ft_error misfit;          /* why it cannot be loaded for that */
} ft__info_adapter;

/* Is the path an adapter, as a GGUF file or as a PEFT folder? */
FT__PRIV bool ft__info_is_adapter(const char *path, const ft_allocator *a);

/* ---- info_norm: run/info_norm.c.  Fills norm and, where there is a weight, relative. */
FT__PRIV ft_status ft__info_norms(ft__info_adapter *a, ft_error *err);

/* ---- info_adapter: run/info_adapter.c */
FT__PRIV ft_status ft__info_adapter_report(const char *path, const char *model_path, bool json, ft__buf *out,
                                           ft_error *err);

/* ---- info_adapter_page: run/info_adapter_page.c */
FT__PRIV void ft__info_adapter_page(const ft__info_adapter *a, ft__buf *out);
FT__PRIV void ft__info_adapter_json(const ft__info_adapter *a, ft__json_writer *w);

/* ---- info: run/info.c */

FT__PRIV ft__gguf_str ft__info_key(const ft__gguf *g, const char *key); /* "" if absent or no text */
/* The architecture's key in `full`, or NULL if the file names no architecture. */
FT__PRIV const char *ft__info_arch_key(const ft__info *i, const char *key, char full[192]);
/* Relates ft__info.size to its key in JSON. */
FT__PRIV const char *ft__info_size_name(int size);

/* ---- info_page: run/info_page.c */

FT__PRIV void ft__info_page(const ft__info *i, ft__buf *out);
FT__PRIV void ft__info_json(const ft__info *i, ft__json_writer *w);

/* For adapters, too.  A line's label, its text to come; a number as "1.06 MB"; text of a file, cut after `most`
   characters, that cannot steer a terminal; a line that goes on below its beginning. */
FT__PRIV void ft__info_label(ft__buf *out, const char *label);
FT__PRIV void ft__info_short(ft__buf *out, double n, const char *unit);
FT__PRIV void ft__info_safe(ft__buf *out, const char *text, size_t n, int most);
FT__PRIV void ft__info_line(ft__buf *out, const char *label, ft__gguf_str text); /* nothing for "" */
FT__PRIV void ft__info_wrapped(ft__buf *out, const char *label, const char *text);
FT__PRIV void ft__info_json_cut(ft__json_writer *w, const char *key, const char *text, size_t n);
FT__PRIV void ft__info_json_number(ft__json_writer *w, const char *key, double value); /* null if not finite */

#endif /* FT__INFO_H */
