/* SPM, the tokenizer of SentencePiece BPE models ("llama").  A text becomes characters, blanks
   become U+2581, and again and again the two neighbours are merged whose joined spelling is the
   token with the highest score, the leftmost of equals, until no two neighbours make a token.

   Two things keep that fast and exact.  The text is merged in stretches: between two characters
   that stand side by side in no token at all no merge can ever reach, so cutting there changes
   nothing (in most vocabularies that is before every blank).  Inside a stretch the next merge is
   found by a tree of minima over the keys of all pairs, 16 children a node: a stretch of 16
   characters is one look at 16 numbers, and a megabyte of one letter costs five such looks per
   changed pair. */
#include "text.h"

#define FT__SPM_FANOUT 16u
#define FT__SPM_LEVELS 10 /* 16^8 leaves, the root, one to spare */
#define FT__SPM_NOTHING UINT64_MAX
#define FT__SPM_END UINT32_MAX
#define FT__SPM_BLANK "\xE2\x96\x81"

static bool ft__spm_is_blank(const char *c, size_t len) {
    return len == 3 && memcmp(c, FT__SPM_BLANK, 3) == 0;
}

FT__PRIV size_t ft__spm_spell(ft__gguf_str spelling, char *out) {
    const char *p = spelling.data, *end = p + spelling.len;
    size_t n = 0;
    while (p < end) {
        bool blank = end - p >= 3 && ft__spm_is_blank(p, 3);
        out[n++] = blank ? ' ' : *p;
        p += blank ? 3 : 1;
    }
    return n;
}

/* ---- what loading prepares */

/* A character as its neighbour sees it: the byte next to the neighbour, but U+2581 as a blank, so
   that it is not taken for the many characters that share its bytes.  (Blanks proper are gone.) */
static unsigned ft__spm_left_edge(const char *c, size_t len) {
    return ft__spm_is_blank(c, len) ? ' ' : (uint8_t)c[len - 1];
}

static unsigned ft__spm_right_edge(const char *c, size_t len) {
    return ft__spm_is_blank(c, len) ? ' ' : (uint8_t)c[0];
}

static void ft__spm_note_edges(ft__vocab *v, ft__gguf_str spelling) {
    const char *p = spelling.data, *end = p + spelling.len;
    unsigned left = 256;
    while (p < end) {
        const char *c = p;
        ft__utf8_next(&p, end);
        unsigned bit = left << 8 | ft__spm_right_edge(c, (size_t)(p - c));
        if (left < 256) v->joined[bit / 8] |= (uint8_t)(1u << bit % 8);
        left = ft__spm_left_edge(c, (size_t)(p - c));
    }
}

/* The score as an integer that is smaller the higher the score. */
static uint32_t ft__spm_order(float score) {
    uint32_t bits = ft__bits_of(score == 0 ? 0.0f : score); /* -0 equals 0 */
    return bits >> 31 ? bits : ~(bits | 0x80000000u);
}

FT__PRIV ft_status ft__spm_prepare(ft__vocab *v, const ft__gguf *g, ft_error *err) {
    const ft__gguf_kv *scores;
    ft_status status = ft__tok_array(v, g, "tokenizer.ggml.scores", true, &scores, err);
    if (status) return status;
    if (!scores)
        return ft__fail(err, FT_ERR_FORMAT, g->path,
                        "tokenizer.ggml.scores is missing, the tokenizer %s needs it", v->model);
    v->order = (uint32_t *)ft__arena_alloc(&v->arena, (size_t)v->n_vocab, sizeof *v->order);
    v->joined = (uint8_t *)ft__arena_alloc(&v->arena, 256 * 256 / 8, 1);
    if (!v->order || !v->joined) return ft__fail_memory(err);
    for (int32_t i = 0; i < v->n_vocab; i++) {
        float score = (float)ft__gguf_number_at(scores, (uint64_t)i);
        if (score != score)
            return ft__fail(err, FT_ERR_FORMAT, g->path,
                            "tokenizer.ggml.scores[%d] is no number", (int)i);
        v->order[i] = ft__spm_order(score);
        ft__spm_note_edges(v, v->tokens[i]);
    }
    bool all_bytes = true;
    for (int b = 0; b < 256; b++) all_bytes = all_bytes && v->byte_ids[b] >= 0;
    if (!all_bytes && v->unk < 0)
        return ft__fail(err, FT_ERR_FORMAT, g->path,
                        "tokenizer.ggml.tokens holds neither all 256 byte tokens nor an unknown "
                        "token (tokenizer.ggml.unknown_token_id): not every text can be spelled");
    return FT_OK;
}

/* ---- the tree of minima */

typedef struct ft__spm_tree {
    uint64_t *level[FT__SPM_LEVELS]; /* level[0]: a key per symbol, the last level: one number */
    int top;
} ft__spm_tree;

static uint64_t ft__spm_least(const uint64_t *keys) {
    uint64_t a = keys[0], b = keys[1];
    for (unsigned i = 2; i < FT__SPM_FANOUT; i += 2) {
        a = keys[i] < a ? keys[i] : a;
        b = keys[i + 1] < b ? keys[i + 1] : b;
    }
    return a < b ? a : b;
}

static void ft__spm_set(ft__spm_tree *t, uint32_t i, uint64_t key) {
    t->level[0][i] = key;
    for (int k = 1; k <= t->top; k++) {
        i /= FT__SPM_FANOUT;
        uint64_t least = ft__spm_least(t->level[k - 1] + (size_t)i * FT__SPM_FANOUT);
        if (t->level[k][i] == least) return;
        t->level[k][i] = least;
    }
}

/* Lays the levels out in w->keys for n >= 1 leaves, all empty; all but the root
   are whole groups. */
static bool ft__spm_plant(ft__tok_work *w, size_t n, ft__spm_tree *t) {
    size_t start[FT__SPM_LEVELS], total = 0;
    for (t->top = 0;; t->top++) {
        size_t groups = (n + FT__SPM_FANOUT - 1) / FT__SPM_FANOUT;
        start[t->top] = total;
        total += n == 1 ? 1 : groups * FT__SPM_FANOUT;
        if (n == 1) break;
        n = groups;
    }
    if (!ft__grow(&w->allocator, (void **)&w->keys, &w->cap_keys, total, sizeof *w->keys))
        return false;
    for (int k = 0; k <= t->top; k++) t->level[k] = w->keys + start[k];
    memset(w->keys, 0xFF, total * sizeof *w->keys);
    return true;
}

/* ---- merging one stretch */

/* What decides about the pair at symbol i: its token's score, then its place. */
static uint64_t ft__spm_key(const ft__vocab *v, const ft__tok_work *w, uint32_t i) {
    ft__tok_symbol *left = w->symbols + i;
    if (left->next == FT__SPM_END) return FT__SPM_NOTHING;
    const ft__tok_symbol *right = w->symbols + left->next;
    uint64_t hash = ft__tok_hash_join(left->hash, right->hash, right->power);
    left->pair = ft__tok_find(v, w->text + left->start, (size_t)left->len + right->len, hash);
    return left->pair < 0 ? FT__SPM_NOTHING : (uint64_t)v->order[left->pair] << 32 | i;
}

static void ft__spm_merge(const ft__vocab *v, ft__tok_work *w, ft__spm_tree *t) {
    ft__tok_symbol *s = w->symbols;
    uint64_t best;
    while ((best = t->level[t->top][0]) != FT__SPM_NOTHING) {
        uint32_t i = (uint32_t)best, gone = s[i].next;
        s[i].id = s[i].pair;
        s[i].hash = ft__tok_hash_join(s[i].hash, s[gone].hash, s[gone].power);
        s[i].power *= s[gone].power;
        s[i].len += s[gone].len;
        s[i].next = s[gone].next;
        if (s[i].next != FT__SPM_END) s[s[i].next].prev = i;
        ft__spm_set(t, gone, FT__SPM_NOTHING);
        ft__spm_set(t, i, ft__spm_key(v, w, i));
        if (s[i].prev != FT__SPM_END) ft__spm_set(t, s[i].prev, ft__spm_key(v, w, s[i].prev));
    }
}

/* A symbol that is no token: its bytes, or the unknown token if one of them has no token. */
static bool ft__spm_push_bytes(const ft__vocab *v, ft__tok_work *w, const ft__tok_symbol *s) {
    const uint8_t *bytes = (const uint8_t *)w->text + s->start;
    for (uint32_t k = 0; k < s->len; k++)
        if (v->byte_ids[bytes[k]] < 0) return ft__tok_push(w, v->unk);
    for (uint32_t k = 0; k < s->len; k++)
        if (!ft__tok_push(w, v->byte_ids[bytes[k]])) return false;
    return true;
}

/* Merges the stretch in w->symbols, appends its ids and empties it; false if out of memory. */
static bool ft__spm_finish(const ft__vocab *v, ft__tok_work *w) {
    uint32_t n = (uint32_t)w->n_symbols;
    ft__spm_tree t;
    if (n == 0) return true;
    if (!ft__spm_plant(w, n, &t)) return false;
    for (uint32_t i = 0; i < n; i++) {
        w->symbols[i].prev = i > 0 ? i - 1 : FT__SPM_END;
        w->symbols[i].next = i + 1 < n ? i + 1 : FT__SPM_END;
        t.level[0][i] = ft__spm_key(v, w, i);
    }
    for (int k = 1; k <= t.top; k++) {
        n = (n + FT__SPM_FANOUT - 1) / FT__SPM_FANOUT;
        for (uint32_t i = 0; i < n; i++)
            t.level[k][i] = ft__spm_least(t.level[k - 1] + (size_t)i * FT__SPM_FANOUT);
    }
    ft__spm_merge(v, w, &t);
    for (uint32_t i = 0; i != FT__SPM_END; i = w->symbols[i].next) {
        const ft__tok_symbol *s = w->symbols + i;
        int32_t id = s->id >= 0 ? s->id : ft__tok_find(v, w->text + s->start, s->len, s->hash);
        if (id >= 0 ? !ft__tok_push(w, id) : !ft__spm_push_bytes(v, w, s)) return false;
    }
    w->n_symbols = w->n_text = 0;
    return true;
}

static bool ft__spm_add(ft__tok_work *w, const char *c, size_t len) {
    if (!ft__grow(&w->allocator, (void **)&w->text, &w->cap_text, w->n_text + len, 1) ||
        !ft__grow(&w->allocator, (void **)&w->symbols, &w->cap_symbols, w->n_symbols + 1,
                  sizeof *w->symbols))
        return false;
    ft__tok_symbol *s = w->symbols + w->n_symbols++;
    s->start = (uint32_t)w->n_text;
    s->len = (uint32_t)len;
    s->id = s->pair = -1;
    ft__tok_hash(c, len, &s->hash, &s->power);
    memcpy(w->text + w->n_text, c, len);
    w->n_text += len;
    return true;
}

FT__PRIV ft_status ft__spm_tokenize(const ft__vocab *v, ft__tok_work *w, const char *text, size_t n,
                                    ft_error *err) {
    const char *p = text, *end = text + n;
    bool blank = v->add_space_prefix;
    unsigned left = 0;
    while (blank || p < end) {
        const char *c = p;
        if (!blank) ft__utf8_next(&p, end); /* a bad byte is a character of its own */
        size_t len = (size_t)(p - c);
        if (blank || *c == ' ') c = FT__SPM_BLANK, len = 3;
        blank = false;
        unsigned edges = left << 8 | ft__spm_right_edge(c, len);
        if (!(v->joined[edges / 8] >> edges % 8 & 1) && !ft__spm_finish(v, w))
            return ft__fail_memory(err);
        if (w->n_text > UINT32_MAX - 8)
            return ft__fail(err, FT_ERR_LIMIT, "", "a word of more than 4 GB in the text");
        if (!ft__spm_add(w, c, len)) return ft__fail_memory(err);
        left = ft__spm_left_edge(c, len);
    }
    return ft__spm_finish(v, w) ? FT_OK : ft__fail_memory(err);
}

#undef FT__SPM_FANOUT
#undef FT__SPM_LEVELS
#undef FT__SPM_NOTHING
#undef FT__SPM_END
#undef FT__SPM_BLANK
