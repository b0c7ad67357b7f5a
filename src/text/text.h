/* Floor 3, the text half: text to tokens and back.  tokenizer.c holds what every tokenizer shares;
   what is peculiar to one kind stands in a room of its own (tok_spm.c) and in a row of the table of
   kinds. */
#ifndef FT__TEXT_H
#define FT__TEXT_H

#include "../io/io.h"

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
