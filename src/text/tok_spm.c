/* SPM, the tokenizer of SentencePiece BPE models ("llama").  A text becomes characters, blanks
   become U+2581, and again and again the two neighbours are merged whose joined spelling is the
   token with the highest score, the leftmost of equals, until no two neighbours make a token.

   The text is merged in stretches: between two characters that stand side by side in no token at all
   no merge can ever reach, so cutting there changes nothing (in most vocabularies that is before every
   blank).  tok_merge.c does the rest. */
#include "text.h"

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

FT__PRIV ft_status ft__spm_prepare_text(ft__vocab *v, const ft__vocab_parts *parts, ft_error *err) {
    bool all_bytes = true;
    v->joined = (uint8_t *)ft__arena_alloc(&v->arena, 256 * 256 / 8, 1);
    if (!v->joined) return ft__fail_memory(err);
    for (int32_t i = 0; i < v->n_vocab; i++) ft__spm_note_edges(v, v->tokens[i]);
    for (int b = 0; b < 256; b++) all_bytes = all_bytes && v->byte_ids[b] >= 0;
    if (all_bytes || v->unk >= 0) return FT_OK;
    return ft__tok_bad_part(parts, "tokens", err,
                            ": holds neither all 256 byte tokens nor an unknown token "
                            "(unknown_token_id): not every text can be spelled");
}

FT__PRIV ft_status ft__spm_prepare(ft__vocab *v, const ft__vocab_parts *parts, ft_error *err) {
    if (!parts->scores)
        return ft__tok_bad_part(parts, "scores", err, " is missing, the tokenizer %s needs it", v->model);
    v->order = (uint32_t *)ft__arena_alloc(&v->arena, (size_t)v->n_vocab, sizeof *v->order);
    if (!v->order) return ft__fail_memory(err);
    for (int32_t i = 0; i < v->n_vocab; i++) {
        float score = parts->scores[i];
        if (score != score) return ft__tok_bad_part(parts, "scores", err, "[%d] is no number", (int)i);
        v->order[i] = ft__spm_order(score);
    }
    return ft__spm_prepare_text(v, parts, err);
}

/* ---- merging one stretch */

/* Its token's score, then its place. */
static uint64_t ft__spm_key(const ft__vocab *v, const ft__tok_work *w, uint32_t i) {
    ft__tok_symbol *left = w->symbols + i;
    const ft__tok_symbol *right = w->symbols + left->next;
    uint64_t hash = ft__tok_hash_join(left->hash, right->hash, right->power);
    left->pair = ft__tok_find(v, w->text + left->start, (size_t)left->len + right->len, hash);
    return left->pair < 0 ? FT__TOK_NO_KEY : (uint64_t)v->order[left->pair] << 32 | i;
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
static bool ft__spm_finish(const ft__vocab *v, ft__tok_work *w, ft__tok_key *key) {
    if (w->n_symbols == 0) return true;
    if (!ft__tok_merge_all(v, w, key)) return false;
    for (uint32_t i = 0; i != FT__TOK_NO_SYMBOL; i = w->symbols[i].next) {
        const ft__tok_symbol *s = w->symbols + i;
        int32_t id = s->id >= 0 ? s->id : ft__tok_find(v, w->text + s->start, s->len, s->hash);
        if (id >= 0 ? !ft__tok_push(w, id) : !ft__spm_push_bytes(v, w, s)) return false;
    }
    w->n_symbols = w->n_text = 0;
    return true;
}

/* Where merges go by ids, characters need theirs at once. */
static bool ft__spm_add(const ft__vocab *v, ft__tok_work *w, const char *c, size_t len) {
    if (!ft__grow(&w->allocator, (void **)&w->text, &w->cap_text, w->n_text + len, 1) ||
        !ft__grow(&w->allocator, (void **)&w->symbols, &w->cap_symbols, w->n_symbols + 1,
                  sizeof *w->symbols))
        return false;
    ft__tok_symbol *s = w->symbols + w->n_symbols++;
    s->start = (uint32_t)w->n_text;
    s->len = (uint32_t)len;
    s->pair = -1;
    ft__tok_hash(c, len, &s->hash, &s->power);
    s->id = v->pairs ? ft__tok_find(v, c, len, s->hash) : -1;
    memcpy(w->text + w->n_text, c, len);
    w->n_text += len;
    return true;
}

FT__PRIV ft_status ft__spm_merge_text(const ft__vocab *v, ft__tok_work *w, const char *text, size_t n,
                                      bool blank_first, ft__tok_key *key, ft_error *err) {
    const char *p = text, *end = text + n;
    bool blank = blank_first;
    unsigned left = 0;
    while (blank || p < end) {
        const char *c = p;
        if (!blank) ft__utf8_next(&p, end); /* a bad byte is a character of its own */
        size_t len = (size_t)(p - c);
        if (blank || *c == ' ') c = FT__SPM_BLANK, len = 3;
        blank = false;
        unsigned edges = left << 8 | ft__spm_right_edge(c, len);
        if (!(v->joined[edges / 8] >> edges % 8 & 1) && !ft__spm_finish(v, w, key))
            return ft__fail_memory(err);
        if (w->n_text > UINT32_MAX - 8)
            return ft__fail(err, FT_ERR_LIMIT, "", "a word of more than 4 GB in the text");
        if (!ft__spm_add(v, w, c, len)) return ft__fail_memory(err);
        left = ft__spm_left_edge(c, len);
    }
    return ft__spm_finish(v, w, key) ? FT_OK : ft__fail_memory(err);
}

FT__PRIV ft_status ft__spm_tokenize(const ft__vocab *v, ft__tok_work *w, const char *text, size_t n,
                                    ft_error *err) {
    bool prefix = v->add_space_prefix && (!v->prefix_once || (w->at_start && text[0] != ' '));
    return ft__spm_merge_text(v, w, text, n, prefix, ft__spm_key, err);
}

#undef FT__SPM_BLANK
