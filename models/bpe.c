/* Learning a byte-level BPE vocabulary (Sennrich, Haddow, Birch 2016): texts are cut into pieces by the
   library's own pre-tokenizer, every distinct piece once with its count; then again and again the most
   frequent pair of neighbours becomes a token.  Ties go to the lower ids, so the result is one. */
#include "train.h"

#define PRETOKENIZER "qwen2" /* digits are pieces of their own, which makes numbers easy to copy */

typedef struct word {
    const char *text;
    uint32_t len;
    int64_t count;
    int32_t *symbols;
    int n_symbols;
} word;

typedef struct learner {
    train_bpe *bpe;
    ft__arena *arena;
    word *words;         /* (n_words) */
    size_t n_words, cap_words;
    uint32_t *slots;     /* word + 1, 0: free; (n_slots), a power of two */
    size_t n_slots;
    int64_t *pairs;      /* (n_tokens, n_tokens) how often right follows left */
    int n_known, limit;  /* tokens so far, and at most */
    int byte_first;      /* the token of byte 0 */
} learner;

/* ---- the pieces */

static bool grow_slots(learner *l) {
    const size_t n = l->n_slots ? 2 * l->n_slots : 1024;
    uint32_t *slots = (uint32_t *)ft__arena_alloc(l->arena, n, sizeof *slots);
    if (!slots) return false;
    for (size_t i = 0; i < l->n_words; i++) {
        uint64_t hash, power;
        ft__tok_hash(l->words[i].text, l->words[i].len, &hash, &power);
        size_t at = (size_t)(hash * 0x9E3779B97F4A7C15u >> 20) & (n - 1);
        while (slots[at]) at = (at + 1) & (n - 1);
        slots[at] = (uint32_t)i + 1;
    }
    l->slots = slots;
    l->n_slots = n;
    return true;
}

static bool add_piece(void *user, const char *text, size_t n) {
    learner *l = (learner *)user;
    uint64_t hash, power;
    if (2 * (l->n_words + 1) > l->n_slots && !grow_slots(l)) return false;
    ft__tok_hash(text, n, &hash, &power);
    size_t at = (size_t)(hash * 0x9E3779B97F4A7C15u >> 20) & (l->n_slots - 1);
    for (; l->slots[at]; at = (at + 1) & (l->n_slots - 1)) {
        word *w = &l->words[l->slots[at] - 1];
        if (!ft__text_equal(w->text, w->len, text, n)) continue;
        w->count++;
        return true;
    }
    if (!ft__grow(&l->arena->allocator, (void **)&l->words, &l->cap_words, l->n_words + 1, sizeof *l->words))
        return false;
    word *w = &l->words[l->n_words++];
    memset(w, 0, sizeof *w);
    w->text = text;
    w->len = (uint32_t)n;
    w->count = 1;
    l->slots[at] = (uint32_t)l->n_words;
    return true;
}

/* What stands between the special tokens of a text. */
static bool add_text(learner *l, ft__gguf_str text, const char *const *specials, int n_specials) {
    const ft__pretok *pretok = ft__pretok_find(PRETOKENIZER, strlen(PRETOKENIZER));
    size_t start = 0, i = 0;
    while (i <= text.len) {
        size_t n = 0;
        for (int k = 0; k < n_specials && i < text.len; k++)
            if (strncmp(text.data + i, specials[k], strlen(specials[k])) == 0) n = strlen(specials[k]);
        const bool cut = (n || i == text.len) && i > start;
        if (cut && !ft__pretok_split(pretok, text.data + start, i - start, add_piece, l)) return false;
        i += n ? n : 1;
        if (n) start = i;
    }
    return true;
}

static bool spell_words(learner *l) {
    for (size_t i = 0; i < l->n_words; i++) {
        word *w = &l->words[i];
        w->n_symbols = (int)w->len;
        w->symbols = (int32_t *)ft__arena_alloc(l->arena, w->len, sizeof *w->symbols);
        if (!w->symbols) return false;
        for (uint32_t k = 0; k < w->len; k++) w->symbols[k] = l->byte_first + (uint8_t)w->text[k];
    }
    return true;
}

/* ---- tokens */

static bool add_token(learner *l, const char *text, size_t n, ft__token_type type) {
    train_bpe *b = l->bpe;
    b->tokens[l->n_known].data = ft__arena_text(l->arena, text, n);
    b->tokens[l->n_known].len = n;
    b->types[l->n_known] = (int32_t)type;
    return b->tokens[l->n_known++].data != NULL;
}

/* Bytes are spelled as printable characters: those that are none, and the blank, from U+0100 on. */
static bool add_bytes(learner *l) {
    uint32_t next = 256;
    l->byte_first = l->n_known;
    for (uint32_t b = 0; b < 256; b++) {
        const bool printable = (b > 32 && b < 127) || (b > 160 && b != 173);
        char text[4];
        const int n = ft__utf8_encode(printable ? b : next, text);
        next += !printable;
        if (!add_token(l, text, (size_t)n, FT__TOKEN_NORMAL)) return false;
    }
    return true;
}

/* A merge and its token, unless the spelling is one already; returns the token, -1: out of memory. */
static int add_merge(learner *l, int left, int right) {
    train_bpe *b = l->bpe;
    const ft__gguf_str x = b->tokens[left], y = b->tokens[right];
    const char *merge = ft__arena_printf(l->arena, "%.*s %.*s", (int)x.len, x.data, (int)y.len, y.data);
    const char *text = ft__arena_printf(l->arena, "%.*s%.*s", (int)x.len, x.data, (int)y.len, y.data);
    if (!merge || !text) return -1;
    b->parts[b->n_merges].left = x;
    b->parts[b->n_merges].right = y;
    b->merges[b->n_merges++] = merge;
    for (int i = 0; i < l->n_known; i++)
        if (ft__text_equal(b->tokens[i].data, b->tokens[i].len, text, x.len + y.len)) return i;
    return add_token(l, text, x.len + y.len, FT__TOKEN_NORMAL) ? l->n_known - 1 : -1;
}

/* ---- learning */

static void count_word(learner *l, const word *w, int64_t sign) {
    for (int i = 0; i + 1 < w->n_symbols; i++)
        l->pairs[(size_t)w->symbols[i] * (size_t)l->limit + (size_t)w->symbols[i + 1]] += sign * w->count;
}

static bool most_frequent(const learner *l, int *left, int *right) {
    int64_t best = 1; /* what comes once is not worth a token */
    for (int i = l->byte_first; i < l->n_known; i++)
        for (int k = l->byte_first; k < l->n_known; k++) {
            const int64_t n = l->pairs[(size_t)i * (size_t)l->limit + (size_t)k];
            if (n > best) best = n, *left = i, *right = k;
        }
    return best > 1;
}

static void merge_word(learner *l, word *w, int left, int right, int merged) {
    int n = 0, at = 0;
    while (at + 1 < w->n_symbols && (w->symbols[at] != left || w->symbols[at + 1] != right)) at++;
    if (at + 1 >= w->n_symbols) return;
    count_word(l, w, -1);
    for (int i = 0; i < w->n_symbols; n++) {
        const bool here = i + 1 < w->n_symbols && w->symbols[i] == left && w->symbols[i + 1] == right;
        w->symbols[n] = here ? merged : w->symbols[i];
        i += here ? 2 : 1;
    }
    w->n_symbols = n;
    count_word(l, w, 1);
}

static bool learn(learner *l) {
    int left = 0, right = 0;
    for (size_t i = 0; i < l->n_words; i++) count_word(l, &l->words[i], 1);
    while (l->n_known < l->limit && l->bpe->n_merges < l->limit && most_frequent(l, &left, &right)) {
        const int merged = add_merge(l, left, right);
        if (merged < 0) return false;
        for (size_t i = 0; i < l->n_words; i++) merge_word(l, &l->words[i], left, right, merged);
    }
    for (int i = 0; l->n_known < l->limit; i++) {
        const char *text = ft__arena_printf(l->arena, "<|unused_%d|>", i);
        if (!text || !add_token(l, text, strlen(text), FT__TOKEN_UNUSED)) return false;
    }
    return true;
}

static bool learn_all(learner *l, const ft__gguf_str *texts, int n_texts, const char *const *specials,
                      int n_specials) {
    train_bpe *b = l->bpe;
    const size_t n = (size_t)l->limit;
    b->tokens = (ft__gguf_str *)ft__arena_alloc(l->arena, n, sizeof *b->tokens);
    b->types = (int32_t *)ft__arena_alloc(l->arena, n, sizeof *b->types);
    b->merges = (const char **)ft__arena_alloc(l->arena, n, sizeof *b->merges);
    b->parts = (ft__tok_merge *)ft__arena_alloc(l->arena, n, sizeof *b->parts);
    l->pairs = (int64_t *)ft__arena_alloc(l->arena, n * n, sizeof *l->pairs);
    if (l->arena->failed) return false;
    for (int i = 0; i < n_specials; i++)
        if (!add_token(l, specials[i], strlen(specials[i]), FT__TOKEN_CONTROL)) return false;
    if (!add_bytes(l)) return false;
    for (int i = 0; i < n_texts; i++)
        if (!add_text(l, texts[i], specials, n_specials)) return false;
    return spell_words(l) && learn(l);
}

ft_status train_bpe_learn(train_bpe *bpe, const ft__gguf_str *texts, int n_texts, const char *const *specials,
                          int n_specials, int n_tokens, ft__arena *arena, ft_error *err) {
    learner l;
    memset(bpe, 0, sizeof *bpe);
    memset(&l, 0, sizeof l);
    if (n_tokens < n_specials + 256 || n_tokens > 8192)
        return ft__fail(err, FT_ERR_ARGUMENT, "vocab", "found %d tokens, expected %d to 8192", n_tokens,
                        n_specials + 256);
    l.bpe = bpe;
    l.arena = arena;
    l.limit = bpe->n_tokens = n_tokens;
    const bool ok = learn_all(&l, texts, n_texts, specials, n_specials);
    ft__free(&arena->allocator, l.words);
    return ok ? FT_OK : ft__fail_memory(err);
}

ft_status train_bpe_vocab(const train_bpe *bpe, const ft_allocator *a, ft__vocab **vocab, ft_error *err) {
    ft__vocab_parts parts;
    ft__vocab_parts_init(&parts);
    parts.where = "the learned vocabulary";
    parts.model = "gpt2";
    parts.pre = PRETOKENIZER;
    parts.tokens = bpe->tokens;
    parts.n_tokens = (size_t)bpe->n_tokens;
    parts.types = bpe->types;
    parts.merges = bpe->parts;
    parts.n_merges = (size_t)bpe->n_merges;
    parts.bos = parts.unk = -1;
    parts.eos = bpe->end;
    parts.add_bos = 0;
    return ft__vocab_build(vocab, &parts, a, err);
}
