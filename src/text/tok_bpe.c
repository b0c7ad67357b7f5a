/* BPE by merge ranks.  Two tokenizers use it: the byte-level one ("gpt2"), whose symbols are bytes
   and whose texts are first cut by a pre-tokenizer, and gemma4's, whose symbols are characters.  Both
   merge the neighbours that stand earliest in the list of merges, the leftmost of equals.

   Byte-level files spell tokens in an alphabet in which every byte is a printable character: the
   printable bytes of Latin-1 stand for themselves, the other 68 for U+0100, U+0101, and so on. */
#include "text.h"

/* ---- the byte alphabet */

static uint32_t ft__bpe_letter_of(unsigned byte) {
    if (byte <= 0x20) return 0x100 + byte;
    if (byte >= 0x7F && byte <= 0xA0) return 0x121 + byte - 0x7F;
    return byte == 0xAD ? 0x143 : byte;
}

static int ft__bpe_byte_of(uint32_t c) {
    if (c >= 0x100 && c <= 0x120) return (int)(c - 0x100);
    if (c >= 0x121 && c <= 0x142) return (int)(c - 0x121 + 0x7F);
    if (c == 0x143) return 0xAD;
    return c < 0x100 && ft__bpe_letter_of(c) == c ? (int)c : -1;
}

/* What is not of the alphabet stands for itself. */
FT__PRIV size_t ft__bpe_spell(ft__gguf_str spelling, char *out) {
    const char *p = spelling.data, *end = p + spelling.len;
    size_t n = 0;
    while (p < end) {
        const char *c = p;
        int byte = ft__bpe_byte_of(ft__utf8_next(&p, end));
        if (byte >= 0) {
            out[n++] = (char)byte;
        } else {
            memcpy(out + n, c, (size_t)(p - c));
            n += (size_t)(p - c);
        }
    }
    return n;
}

/* ---- the list of merges */

static ft__tok_pair *ft__bpe_pair(const ft__vocab *v, int32_t left, int32_t right) {
    uint64_t hash = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9E3779B97F4A7C15u;
    uint64_t mask = UINT64_MAX >> v->pair_shift;
    hash ^= hash >> 32; /* so that the product's upper half counts too */
    hash *= 0xD6E8FEB86659FD93u;
    for (uint64_t at = hash >> v->pair_shift;; at = (at + 1) & mask) {
        ft__tok_pair *pair = v->pairs + at;
        if (pair->merged < 0 || (pair->left == left && pair->right == right)) return pair;
    }
}

static int32_t ft__bpe_find(const ft__vocab *v, ft__gguf_str text) {
    uint64_t hash, power;
    if (text.len > v->longest) return -1;
    ft__tok_hash(text.data, text.len, &hash, &power);
    return ft__tok_find(v, text.data, text.len, hash);
}

/* The token that the two parts of a merge spell together, -1 if none; `joined` holds v->longest. */
static int32_t ft__bpe_find_joined(const ft__vocab *v, const ft__tok_merge *m, char *joined) {
    ft__gguf_str text = {joined, m->left.len + m->right.len}; /* two texts of one file */
    if (text.len > v->longest) return -1;
    memcpy(joined, m->left.data, m->left.len);
    memcpy(joined + m->left.len, m->right.data, m->right.len);
    return ft__bpe_find(v, text);
}

static ft_status ft__bpe_no_token(const ft__vocab_parts *parts, size_t i, const char *what,
                                  ft_error *err) {
    const ft__tok_merge *m = parts->merges + i;
    return ft__tok_bad_part(parts, "merges", err, "[%llu] \"%.*s %.*s\": %s is no token",
                            (unsigned long long)i, m->left.len < 80 ? (int)m->left.len : 80,
                            m->left.data, m->right.len < 80 ? (int)m->right.len : 80, m->right.data,
                            what);
}

/* Of two merges of one pair the first counts. */
static ft_status ft__bpe_read_merges(ft__vocab *v, const ft__vocab_parts *parts, ft_error *err) {
    size_t n_slots = 4;
    if (!parts->merges)
        return ft__tok_bad_part(parts, "merges", err, " is missing, the tokenizer %s needs it",
                                v->model);
    if (parts->n_merges > UINT32_MAX / 4)
        return ft__tok_bad_part(parts, "merges", err, ": holds more than %u merges", UINT32_MAX / 4);
    v->pair_shift = 62;
    while (n_slots < parts->n_merges + parts->n_merges / 2) n_slots *= 2, v->pair_shift--;
    v->pairs = (ft__tok_pair *)ft__arena_alloc(&v->arena, n_slots, sizeof *v->pairs);
    char *joined = (char *)ft__arena_alloc(&v->arena, v->longest, 1);
    if (!v->pairs || !joined) return ft__fail_memory(err);
    memset(v->pairs, 0xFF, n_slots * sizeof *v->pairs); /* merged -1 */
    for (size_t i = 0; i < parts->n_merges; i++) {
        const ft__tok_merge *m = parts->merges + i;
        int32_t left = ft__bpe_find(v, m->left), right = ft__bpe_find(v, m->right);
        int32_t merged = ft__bpe_find_joined(v, m, joined);
        if (left < 0) return ft__bpe_no_token(parts, i, "the left part", err);
        if (right < 0) return ft__bpe_no_token(parts, i, "the right part", err);
        if (merged < 0) return ft__bpe_no_token(parts, i, "what they make", err);
        ft__tok_pair *pair = ft__bpe_pair(v, left, right);
        if (pair->merged >= 0) continue;
        pair->left = left;
        pair->right = right;
        pair->merged = merged;
        pair->rank = (uint32_t)i;
    }
    return FT_OK;
}

static uint64_t ft__bpe_key(const ft__vocab *v, const ft__tok_work *w, uint32_t i) {
    ft__tok_symbol *left = w->symbols + i;
    const ft__tok_symbol *right = w->symbols + left->next;
    if (left->id < 0 || right->id < 0) return FT__TOK_NO_KEY;
    const ft__tok_pair *pair = ft__bpe_pair(v, left->id, right->id);
    left->pair = pair->merged;
    return pair->merged < 0 ? FT__TOK_NO_KEY : (uint64_t)pair->rank << 32 | i;
}

/* ---- gpt2 */

FT__PRIV ft_status ft__bpe_prepare(ft__vocab *v, const ft__vocab_parts *parts, ft_error *err) {
    unsigned flags = v->pretok->flags;
    bool nfc = parts->nfc < 0 ? (flags & FT__PRETOK_NFC) != 0 : parts->nfc != 0;
    v->ignore_merges =
        parts->ignore_merges < 0 ? (flags & FT__PRETOK_WHOLE) != 0 : parts->ignore_merges != 0;
    if (nfc && !(v->normal = ft__normal_create(&v->arena))) return ft__fail_memory(err);
    if (parts->add_bos < 0) v->add_bos = (flags & FT__PRETOK_BOS) != 0;
    for (unsigned b = 0; b < 256; b++) {
        char letter[4];
        ft__gguf_str text = {letter, 0};
        text.len = (size_t)ft__utf8_encode(ft__bpe_letter_of(b), letter);
        v->byte_ids[b] = ft__bpe_find(v, text);
    }
    return ft__bpe_read_merges(v, parts, err);
}

typedef struct ft__bpe_task {
    const ft__vocab *v;
    ft__tok_work *w;
} ft__bpe_task;

/* The token that a whole piece is, -1 if none; false if out of memory. */
static bool ft__bpe_whole(const ft__vocab *v, ft__tok_work *w, const char *text, size_t n, int32_t *id) {
    ft__gguf_str spelling = {NULL, 0};
    *id = -1;
    if (n > v->longest) return true;
    if (!ft__grow(&w->allocator, (void **)&w->text, &w->cap_text, 2 * n + 4, 1))
        return false;
    spelling.data = w->text;
    for (size_t i = 0; i < n; i++)
        spelling.len += (size_t)ft__utf8_encode(ft__bpe_letter_of((uint8_t)text[i]),
                                                w->text + spelling.len);
    *id = ft__bpe_find(v, spelling);
    return true;
}

/* A byte without a token is dropped before merging, as by the published tokenizers (StarCoder lacks 14
   of them, Falcon 28: controls, and what valid UTF-8 hardly has). */
static bool ft__bpe_piece(void *user, const char *text, size_t n) {
    const ft__vocab *v = ((ft__bpe_task *)user)->v;
    ft__tok_work *w = ((ft__bpe_task *)user)->w;
    int32_t id = n == 1 ? v->byte_ids[(uint8_t)*text] : -1;
    if (n > 1 && v->ignore_merges && !ft__bpe_whole(v, w, text, n, &id)) return false;
    if (id >= 0) return ft__tok_push(w, id);
    if (!ft__grow(&w->allocator, (void **)&w->symbols, &w->cap_symbols, n, sizeof *w->symbols))
        return false;
    memset(w->symbols, 0, n * sizeof *w->symbols);
    w->n_symbols = 0;
    for (size_t i = 0; i < n; i++) {
        id = v->byte_ids[(uint8_t)text[i]];
        if (id >= 0) w->symbols[w->n_symbols++].id = id;
    }
    if (w->n_symbols == 0) return true;
    if (!ft__tok_merge_all(v, w, ft__bpe_key)) return false;
    for (uint32_t i = 0; i != FT__TOK_NO_SYMBOL; i = w->symbols[i].next)
        if (!ft__tok_push(w, w->symbols[i].id)) return false;
    return true;
}

FT__PRIV ft_status ft__bpe_tokenize(const ft__vocab *v, ft__tok_work *w, const char *text, size_t n,
                                    ft_error *err) {
    ft__bpe_task task = {v, w};
    if (v->normal && !ft__is_nfc_at_sight(v->normal, text, n)) {
        w->normal.len = 0;
        ft__nfc(v->normal, text, n, &w->normal);
        if (w->normal.failed) return ft__fail_memory(err);
        text = w->normal.data;
        n = w->normal.len;
    }
    return ft__pretok_split(v->pretok, text, n, ft__bpe_piece, &task) ? FT_OK : ft__fail_memory(err);
}

/* ---- gemma4: blanks are U+2581, line ends stand apart */

FT__PRIV ft_status ft__gemma4_prepare(ft__vocab *v, const ft__vocab_parts *parts, ft_error *err) {
    v->add_bos = true; /* whatever the file says: its makers' own files say the wrong thing */
    ft_status status = ft__spm_prepare_text(v, parts, err);
    return status ? status : ft__bpe_read_merges(v, parts, err);
}

FT__PRIV ft_status ft__gemma4_tokenize(const ft__vocab *v, ft__tok_work *w, const char *text,
                                       size_t n, ft_error *err) {
    const char *p = text, *end = text + n;
    ft_status status = FT_OK;
    while (p < end && !status) {
        const char *start = p;
        while (p < end && (*p == '\n') == (*start == '\n')) p++;
        ft__gguf_str run = {start, (size_t)(p - start)};
        int32_t id = *start == '\n' ? ft__bpe_find(v, run) : -1;
        if (id < 0) status = ft__spm_merge_text(v, w, start, run.len, false, ft__bpe_key, err);
        else if (!ft__tok_push(w, id)) status = ft__fail_memory(err);
    }
    return status;
}
