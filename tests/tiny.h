/* Tiny random models and adapters, written as GGUF files.  The same options give the same bytes on
   every machine.  Any failure ends the test program with a message. */
#ifndef FT_TINY_H
#define FT_TINY_H

#include "../src/num/num.h"

/* Architecture llama with an SPM vocabulary.  {0} is right; a 0 takes the default that is named.
   The weights before rounding to `type` depend on seed, name and shape of a tensor alone: models
   that differ in type, number of layers or tied share the rest.  Logits have a std of about 2. */
typedef struct tiny_model {
    int n_layers;       /* 2 */
    int n_embd;         /* 64; like n_ff a multiple of 32 */
    int n_heads;        /* 4 */
    int n_kv_heads;     /* 2 */
    int head_dim;       /* n_embd / n_heads; written as attention.key_length if given */
    int n_ff;           /* 128 */
    int n_ctx;          /* 128 */
    uint64_t seed;
    uint32_t type;      /* FT__FORMAT_* of matrices; norms, biases and the router stay F32 */
    bool tied;          /* no output.weight */
    bool rope_freqs;    /* rope_freqs.weight, 1 to 8 */
    bool attn_bias;     /* on q, k, v and o */
    bool ffn_bias;      /* on gate, up and down (not with experts) */
    int n_experts;      /* 0 = none; Mixtral's tensors */
    int n_experts_used; /* 2 */
} tiny_model;

void tiny_write_model(const char *path, const tiny_model *options);
/* A model of any architecture of the table: 5 layers, n_embd 64, windows of 24 positions in every other layer
   where it has windows, 6 experts of which 3 are used where it has any (but llama). */
void tiny_write_arch(const char *path, const char *architecture, uint32_t type);
int tiny_vocab_size(void);
const char *tiny_token(int id); /* its spelling in the file */

enum {
    TINY_Q = 1, TINY_K = 2, TINY_V = 4, TINY_O = 8, TINY_GATE = 16, TINY_UP = 32, TINY_DOWN = 64
};

/* A LoRA adapter for the model of the same options.  On a model with experts, TINY_GATE, TINY_UP
   and TINY_DOWN have a third dimension. */
typedef struct tiny_adapter {
    int rank;         /* 4 */
    float alpha;      /* 0: the key is absent */
    uint64_t seed;
    float amplitude;  /* of B, 0 = all zeros; 1 gives a delta about as large as the weights,
                         before the factor alpha / rank */
    unsigned modules; /* TINY_Q | ...; 0 = all seven */
    uint32_t type;    /* FT__FORMAT_F32 or another that fits the rank */
    bool wrong_shape; /* the last B has 32 outputs too many */
} tiny_adapter;

void tiny_write_adapter(const char *path, const tiny_model *model, const tiny_adapter *options);

#endif
