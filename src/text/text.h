/* Floor 3, the text half: text to tokens and back.  tokenizer.c holds what every tokenizer shares;
   what is peculiar to one kind stands in a room of its own (tok_spm.c, tok_bpe.c, tok_wpm.c) and in
   a row of the table of kinds; pretok.c cuts texts into the pieces that BPE merges within, and
   tok_merge.c merges. */
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
    FT__TOKEN_EATS_SPACE = 2,  /* swallows the white space after it (phi-3; "rstrip" elsewhere) */
    FT__TOKEN_EATS_BEFORE = 4  /* swallows the white space before it ("lstrip") */
};

typedef struct ft__vocab ft__vocab;

/* Two parts to merge, by their spelling. */
typedef struct ft__tok_merge {
    ft__gguf_str left, right;
} ft__tok_merge;

#define FT__TOK_USUAL INT64_MIN
enum { FT__TOK_MAX_ENDS = 16 };

/* What a vocabulary is made of, whatever file it comes from.  ft__vocab_parts_init says "as usual"
   for everything; the spellings in `tokens` must outlive the vocabulary, all else may go. */
typedef struct ft__vocab_parts {
    const char *where, *prefix;     /* for errors: "model.gguf" and "tokenizer.ggml." */
    const char *model, *pre, *name; /* as tokenizer.ggml.model, tokenizer.ggml.pre, general.name;
                                       "" if there is none */
    const ft__gguf_str *tokens;     /* (n_tokens), or NULL */
    size_t n_tokens;
    const int32_t *types;           /* (n_tokens) ft__token_type, or NULL */
    const float *scores;            /* (n_tokens), or NULL */
    const uint8_t *flags;           /* (n_tokens) FT__TOKEN_..., or NULL */
    const ft__tok_merge *merges;    /* (n_merges), the first is merged first; NULL: the file has none */
    size_t n_merges;
    int64_t bos, eos, unk;          /* outside the vocabulary: none; FT__TOK_USUAL: the model's */
    int64_t ends[FT__TOK_MAX_ENDS]; /* more tokens that end generation */
    int n_ends;
    int add_bos, add_eos, add_space_prefix; /* 0, 1, or -1: as usual with model and pre */
    int prefix_once; /* 1: the blank comes only before a text that does not begin with one */
    int ignore_merges, nfc;                 /* likewise */
} ft__vocab_parts;

/* A pre-tokenizer, by its name in tokenizer.ggml.pre: a row of the tables in pretok.c. */
enum {
    FT__PRETOK_WHOLE = 1, /* a piece that is a token is not merged from its parts ("ignore_merges") */
    FT__PRETOK_BOS = 2,   /* BOS goes before a text */
    FT__PRETOK_NFC = 4    /* texts are brought to normal form C */
};
typedef struct ft__pretok {
    const char *name;
    int row;
    unsigned flags;
} ft__pretok;

/* What two neighbouring tokens merge to. */
typedef struct ft__tok_pair {
    int32_t left, right, merged; /* merged -1: a free slot */
    uint32_t rank;
} ft__tok_pair;

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
    bool at_start;         /* what is tokenized begins the whole text */
    int32_t *ids;
    size_t n_ids, cap_ids;
    char *text;            /* the stretch being merged, normalised */
    size_t n_text, cap_text;
    ft__tok_symbol *symbols;
    size_t n_symbols, cap_symbols;
    uint64_t *keys;
    size_t cap_keys;
    ft__buf normal;        /* the text in normal form, if it had to be brought there */
} ft__tok_work;

/* One tokenizer: a row of the table in tokenizer.c. */
typedef struct ft__tok_kind {
    const char *model;                /* tokenizer.ggml.model */
    int32_t bos, eos, unk;            /* where the file names none */
    bool add_bos, add_eos, add_space_prefix; /* likewise */
    bool byte_tokens;                 /* "<0x41>" stands for a byte */
    bool pretok;                      /* tokenizer.ggml.pre counts */
    /* Makes what only this kind needs. */
    ft_status (*prepare)(ft__vocab *v, const ft__vocab_parts *parts, ft_error *err);
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
   Spellings lie in the file, which must outlive it. */
struct ft__vocab {
    ft__arena arena;
    const char *model;          /* tokenizer.ggml.model, "" if the file has none */
    const char *pre;            /* tokenizer.ggml.pre, likewise */
    const ft__tok_kind *kind;   /* NULL: this version cannot tokenize for that model and pre */
    const ft__pretok *pretok;   /* for kinds that have one, else NULL */
    int32_t n_vocab;            /* 0 if the file has no tokens */
    const ft__gguf_str *tokens; /* (n_vocab) as spelled in the file */
    uint8_t *types;             /* (n_vocab) ft__token_type, corrected */
    uint8_t *flags;             /* (n_vocab) FT__TOKEN_... */
    int32_t bos, eos, unk;      /* -1 if none */
    bool add_bos, add_eos, add_space_prefix;
    bool prefix_once;           /* see ft__vocab_parts */

    char *pieces;               /* every token's text, back to back */
    size_t *piece_at;           /* (n_vocab + 1) */
    ft__tok_slot *slots;        /* spelling -> id: open addressing, 2^(64 - slot_shift) slots */
    uint32_t slot_shift;
    size_t longest;             /* bytes of the longest spelling */
    ft__tok_special *specials;  /* sorted by their bytes */
    uint32_t first[257];        /* those that begin with byte b: first[b] .. first[b + 1] */

    int32_t byte_ids[256];      /* the token of each byte, -1 if none */
    uint32_t *order;            /* SPM: (n_vocab) the score as an integer; lowest is merged first */
    uint8_t *joined;            /* SPM, gemma4: bit (a, b) is set if some token has edge a before
                                   edge b */
    ft__tok_pair *pairs;        /* BPE: open addressing, 2^(64 - pair_shift) slots */
    uint32_t pair_shift;
    bool ignore_merges;         /* BPE: see FT__PRETOK_WHOLE */
    const ft__normal *normal;   /* BPE: texts are to be in normal form C; bert: to take them apart */
};

/* ---- tokenizer: text/tokenizer.c */

/* Reads the vocabulary of a file.  A file without one, or with one whose model
   or pre-tokenizer this version lacks, loads too: then `kind` is NULL and only tokenizing,
   detokenizing and pieces are out of reach. */
FT__PRIV ft_status ft__vocab_load(ft__vocab **out, ft__gguf *g, const ft_allocator *a,
                                  ft_error *err);
/* The same from its parts. */
FT__PRIV void ft__vocab_parts_init(ft__vocab_parts *parts);
FT__PRIV ft_status ft__vocab_build(ft__vocab **out, const ft__vocab_parts *parts,
                                   const ft_allocator *a, ft_error *err);
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

/* For the kinds.  FT_ERR_FORMAT about one of the parts, by its key after the prefix; the message
   goes on from there: "[7] is no number". */
FT__PRIV ft_status ft__tok_bad_part(const ft__vocab_parts *parts, const char *key, ft_error *err,
                                    const char *fmt, ...) FT__PRINTF(4, 5);
/* A spelling's hash is a polynomial in its bytes, so that the hash of two texts joined
   follows from theirs: start with {hash 0, power 1}, add bytes, join. */
FT__PRIV void ft__tok_hash(const char *text, size_t n, uint64_t *hash, uint64_t *power);
FT__PRIV uint64_t ft__tok_hash_join(uint64_t left, uint64_t right, uint64_t right_power);
FT__PRIV int32_t ft__tok_find(const ft__vocab *v, const char *text, size_t n, uint64_t hash);
FT__PRIV bool ft__tok_push(ft__tok_work *w, int32_t id);

/* ---- tok_merge: text/tok_merge.c */

/* What decides about the pair of symbol i and the one after it: the least key is merged first;
   sets `pair` of the symbol. */
#define FT__TOK_NO_KEY UINT64_MAX
#define FT__TOK_NO_SYMBOL UINT32_MAX
typedef uint64_t ft__tok_key(const ft__vocab *v, const ft__tok_work *w, uint32_t i);
/* Merges w->symbols (1 or more) until no key is left: the first is number 0, `next` leads on.
   False if out of memory. */
FT__PRIV bool ft__tok_merge_all(const ft__vocab *v, ft__tok_work *w, ft__tok_key *key);

/* ---- tok_spm: text/tok_spm.c */
FT__PRIV ft_status ft__spm_prepare(ft__vocab *v, const ft__vocab_parts *parts, ft_error *err);
FT__PRIV ft_status ft__spm_tokenize(const ft__vocab *v, ft__tok_work *w, const char *text, size_t n,
                                    ft_error *err);
FT__PRIV size_t ft__spm_spell(ft__gguf_str spelling, char *out);
/* For gemma4: edges, and whether every text can be spelled. */
FT__PRIV ft_status ft__spm_prepare_text(ft__vocab *v, const ft__vocab_parts *parts, ft_error *err);
FT__PRIV ft_status ft__spm_merge_text(const ft__vocab *v, ft__tok_work *w, const char *text, size_t n,
                                      bool blank_first, ft__tok_key *key, ft_error *err);

/* ---- tok_bpe: text/tok_bpe.c */
FT__PRIV ft_status ft__bpe_prepare(ft__vocab *v, const ft__vocab_parts *parts, ft_error *err);
FT__PRIV ft_status ft__bpe_tokenize(const ft__vocab *v, ft__tok_work *w, const char *text, size_t n,
                                    ft_error *err);
FT__PRIV size_t ft__bpe_spell(ft__gguf_str spelling, char *out);
FT__PRIV ft_status ft__gemma4_prepare(ft__vocab *v, const ft__vocab_parts *parts, ft_error *err);
FT__PRIV ft_status ft__gemma4_tokenize(const ft__vocab *v, ft__tok_work *w, const char *text,
                                       size_t n, ft_error *err);

/* ---- tok_wpm: text/tok_wpm.c */
FT__PRIV ft_status ft__wpm_prepare(ft__vocab *v, const ft__vocab_parts *parts, ft_error *err);
FT__PRIV ft_status ft__wpm_tokenize(const ft__vocab *v, ft__tok_work *w, const char *text, size_t n,
                                    ft_error *err);

/* ---- pretok: text/pretok.c */
FT__PRIV const ft__pretok *ft__pretok_find(const char *name, size_t n); /* NULL: unknown */
/* Hands the pieces of a text to `piece`, in order, none empty; false as soon as that says so. */
FT__PRIV bool ft__pretok_split(const ft__pretok *pretok, const char *text, size_t n,
                               bool (*piece)(void *user, const char *text, size_t n), void *user);

#endif /* FT__TEXT_H */
