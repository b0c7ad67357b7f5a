/* What all tokenizers share: reading the vocabulary of a GGUF file, finding tokens by spelling,
   cutting a text at special tokens, BOS and EOS, and the way back to text.  How the text between
   two special tokens becomes ids is a matter of the kind: a row of ft__tok_kinds. */
#include "text.h"

static const ft__tok_kind ft__tok_kinds[] = {
    {"llama", 1, 2, 0, true, true, ft__spm_prepare, ft__spm_tokenize, ft__spm_spell},
};

/* ---- finding a token by its spelling */

FT__PRIV void ft__tok_hash(const char *text, size_t n, uint64_t *hash, uint64_t *power) {
    uint64_t h = 0, p = 1;
    for (size_t i = 0; i < n; i++) {
        h = ft__tok_hash_join(h, (uint64_t)(uint8_t)text[i] + 1, 0x9FB21C651E98DF25u);
        p *= 0x9FB21C651E98DF25u;
    }
    *hash = h;
    *power = p;
}

FT__PRIV uint64_t ft__tok_hash_join(uint64_t left, uint64_t right, uint64_t right_power) {
    return left * right_power + right;
}

/* The slot that holds this spelling, or the free one where it would go. */
static ft__tok_slot *ft__tok_slot_of(const ft__vocab *v, const char *text, size_t n, uint64_t hash,
                                     uint32_t *tag) {
    uint64_t mixed = hash * 0x9E3779B97F4A7C15u; /* the high bits depend on all bits */
    uint64_t mask = UINT64_MAX >> v->slot_shift, at = mixed >> v->slot_shift;
    *tag = (uint32_t)mixed;
    for (;; at = (at + 1) & mask) {
        ft__tok_slot *slot = v->slots + at;
        if (slot->id < 0) return slot;
        if (slot->tag != *tag) continue;
        ft__gguf_str found = v->tokens[slot->id];
        if (ft__text_equal(found.data, found.len, text, n)) return slot;
    }
}

FT__PRIV int32_t ft__tok_find(const ft__vocab *v, const char *text, size_t n, uint64_t hash) {
    uint32_t tag;
    return n > v->longest ? -1 : ft__tok_slot_of(v, text, n, hash, &tag)->id;
}

static int32_t ft__tok_find_text(const ft__vocab *v, const char *text) {
    uint64_t hash, power;
    ft__tok_hash(text, strlen(text), &hash, &power);
    return ft__tok_find(v, text, strlen(text), hash);
}

/* Of two tokens with one spelling the later is found; empty spellings are not. */
static ft_status ft__tok_build_slots(ft__vocab *v, ft__gguf *g, ft_error *err) {
    size_t n = 4;
    (void)g;
    v->slot_shift = 62;
    while (n < 2 * (size_t)v->n_vocab) n *= 2, v->slot_shift--;
    v->slots = (ft__tok_slot *)ft__arena_alloc(&v->arena, n, sizeof *v->slots);
    if (!v->slots) return ft__fail_memory(err);
    memset(v->slots, 0xFF, n * sizeof *v->slots); /* id -1 */
    for (int32_t i = 0; i < v->n_vocab; i++) {
        ft__gguf_str t = v->tokens[i];
        uint64_t hash, power;
        uint32_t tag;
        if (t.len == 0) continue;
        if (t.len > v->longest) v->longest = t.len;
        ft__tok_hash(t.data, t.len, &hash, &power);
        ft__tok_slot *slot = ft__tok_slot_of(v, t.data, t.len, hash, &tag);
        slot->tag = tag;
        slot->id = i;
    }
    return FT_OK;
}

/* ---- reading the file */

static ft_status ft__tok_bad_key(const ft__gguf *g, const char *key, ft_error *err, const char *fmt,
                                 ...) FT__PRINTF(4, 5);
static ft_status ft__tok_bad_key(const ft__gguf *g, const char *key, ft_error *err, const char *fmt,
                                 ...) {
    char where[384], message[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    snprintf(where, sizeof where, "%.250s: %s", g->path, key);
    return ft__fail(err, FT_ERR_FORMAT, where, "%s", message);
}

static ft_status ft__tok_read_model(ft__vocab *v, ft__gguf *g, ft_error *err) {
    ft__gguf_str model = {"", 0};
    ft_status status = ft__gguf_string(g, "tokenizer.ggml.model", &model, err);
    if (status) return status;
    v->model = ft__arena_text(&v->arena, model.data, model.len);
    if (!v->model) return ft__fail_memory(err);
    for (size_t i = 0; i < FT__COUNT(ft__tok_kinds); i++)
        if (ft__text_equal(model.data, model.len, ft__tok_kinds[i].model,
                           strlen(ft__tok_kinds[i].model)))
            v->kind = &ft__tok_kinds[i];
    return FT_OK;
}

static ft_status ft__tok_read_tokens(ft__vocab *v, ft__gguf *g, ft_error *err) {
    const char *key = "tokenizer.ggml.tokens";
    const ft__gguf_kv *kv = ft__gguf_key(g, key);
    ft__gguf_str *tokens = NULL;
    if (!kv && v->kind)
        return ft__tok_bad_key(g, key, err, "is missing, the tokenizer %s needs it", v->model);
    if (!kv) return FT_OK;
    ft_status status = ft__gguf_strings(g, kv, &tokens, err);
    if (status) return status;
    if (kv->count == 0 || kv->count > INT32_MAX)
        return ft__tok_bad_key(g, key, err, "must hold 1 to 2147483647 tokens, found %llu",
                               (unsigned long long)kv->count);
    v->tokens = tokens;
    v->n_vocab = (int32_t)kv->count;
    return FT_OK;
}

FT__PRIV ft_status ft__tok_array(const ft__vocab *v, const ft__gguf *g, const char *key,
                                 bool floats, const ft__gguf_kv **kv, ft_error *err) {
    *kv = ft__gguf_key(g, key);
    if (!*kv) return FT_OK;
    ft__gguf_type t = (*kv)->element;
    bool is_float = t == FT__GGUF_F32 || t == FT__GGUF_F64;
    if ((*kv)->type != FT__GGUF_ARRAY || t == FT__GGUF_STRING || t == FT__GGUF_ARRAY ||
        t == FT__GGUF_BOOL || is_float != floats)
        return ft__tok_bad_key(g, key, err, "must be an array of %s",
                               floats ? "floats" : "integers");
    if ((*kv)->count != (uint64_t)v->n_vocab)
        return ft__tok_bad_key(g, key, err,
                               "must hold one value for each of the %d tokens, found %llu values",
                               (int)v->n_vocab, (unsigned long long)(*kv)->count);
    return FT_OK;
}

static int ft__tok_hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that "<0xXX>" stands for, -1 if the spelling is another. */
static int ft__tok_byte_of(ft__gguf_str t) {
    if (t.len != 6 || memcmp(t.data, "<0x", 3) != 0 || t.data[5] != '>') return -1;
    int high = ft__tok_hex_digit(t.data[3]), low = ft__tok_hex_digit(t.data[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* In a file without types a byte token is known by its spelling. */
static ft_status ft__tok_read_types(ft__vocab *v, ft__gguf *g, ft_error *err) {
    const char *key = "tokenizer.ggml.token_type";
    const ft__gguf_kv *types;
    ft_status status = ft__tok_array(v, g, key, false, &types, err);
    if (status) return status;
    v->types = (uint8_t *)ft__arena_alloc(&v->arena, (size_t)v->n_vocab, 1);
    v->flags = (uint8_t *)ft__arena_alloc(&v->arena, (size_t)v->n_vocab, 1);
    if (!v->types || !v->flags) return ft__fail_memory(err);
    for (int b = 0; b < 256; b++) v->byte_ids[b] = -1;
    for (int32_t i = 0; i < v->n_vocab; i++) {
        int64_t type = FT__TOKEN_NORMAL;
        int byte = ft__tok_byte_of(v->tokens[i]);
        if (types) type = ft__gguf_int_at(types, (uint64_t)i);
        if (type < 0 || type > FT__TOKEN_BYTE)
            return ft__tok_bad_key(g, key, err, "token %d must have a type from 1 to 6, found %lld",
                                   (int)i, (long long)type);
        if (byte >= 0 && (type == FT__TOKEN_BYTE || !types)) v->byte_ids[byte] = i;
        if (byte >= 0 && !types) type = FT__TOKEN_BYTE;
        if ((byte < 0 && type == FT__TOKEN_BYTE) || type == 0) type = FT__TOKEN_NORMAL;
        v->types[i] = (uint8_t)type;
    }
    return FT_OK;
}

/* ---- special ids and what the spellings say */

/* An id outside the vocabulary means "none". */
static ft_status ft__tok_read_id(const ft__vocab *v, const ft__gguf *g, const char *key,
                                 int32_t otherwise, int32_t *id, ft_error *err) {
    int64_t value = otherwise, highest = v->n_vocab ? v->n_vocab - 1 : INT32_MAX;
    ft_status status = ft__gguf_int(g, key, INT64_MIN, INT64_MAX, &value, err);
    *id = value >= 0 && value <= highest ? (int32_t)value : -1;
    return status;
}

/* Files type these tokens differently; llama.cpp and its kin go by the spelling.  So do we, but
   only where the file says control or user-defined: Qwen has "</s>" as an ordinary token, and a
   model that strikes through HTML must not stop there. */
static const char *const ft__tok_ends[] = {
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>",
    "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<|eom_id|>", "</s>", "<EOT>", "_<EOT>",
    "[EOT]", "[EOS]", "<eos>", "<turn|>", "<|tool_response>", "<end_of_utterance>",
    "<｜end▁of▁sentence｜>",
    /* filling in the middle: what stands after the text */
    "<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]", "<|fim_repo|>", "<fim-repo>",
    "<|repo_name|>", "<REPO>", "<reponame>", "<|file_sep|>",
};

/* Filling in the middle: what opens the parts. */
static const char *const ft__tok_controls[] = {
    "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>",
    "<|code_prefix|>", "<|prefix|>", "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>",
    "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>", "<|suffix|>", "<|fim_middle|>",
    "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>",
    "<|middle|>",
};

/* gpt-oss: its channels are part of the text. */
static const char *const ft__tok_users[] = {
    "<|channel|>", "<|message|>", "<|start|>", "<|constrain|>",
};

static void ft__tok_retype(ft__vocab *v, const char *const *texts, size_t n, ft__token_type type,
                           unsigned flag) {
    for (size_t i = 0; i < n; i++) {
        int32_t id = ft__tok_find_text(v, texts[i]);
        if (id < 0 || (v->types[id] != FT__TOKEN_CONTROL && v->types[id] != FT__TOKEN_USER))
            continue;
        v->types[id] = (uint8_t)type;
        v->flags[id] = (uint8_t)(v->flags[id] | flag);
    }
}

static bool ft__tok_text_ends(const ft__vocab *v, const char *text) {
    return ft__vocab_is_end(v, ft__tok_find_text(v, text));
}

/* A token that an end above turns out not to be, in this company. */
static void ft__tok_unend(ft__vocab *v, const char *text, ft__token_type type) {
    int32_t id = ft__tok_find_text(v, text);
    if (!ft__vocab_is_end(v, id)) return;
    v->flags[id] = (uint8_t)(v->flags[id] & ~FT__TOKEN_IS_END);
    v->types[id] = (uint8_t)type;
}

static void ft__tok_apply_spellings(ft__vocab *v) {
    ft__tok_retype(v, ft__tok_ends, FT__COUNT(ft__tok_ends), FT__TOKEN_CONTROL, FT__TOKEN_IS_END);
    ft__tok_retype(v, ft__tok_controls, FT__COUNT(ft__tok_controls), FT__TOKEN_CONTROL, 0);
    ft__tok_retype(v, ft__tok_users, FT__COUNT(ft__tok_users), FT__TOKEN_USER, 0);
    if ((ft__tok_text_ends(v, "<|return|>") && ft__tok_text_ends(v, "<|call|>")) ||
        (ft__tok_text_ends(v, "<|flush|>") && ft__tok_text_ends(v, "<|calls|>")))
        ft__tok_unend(v, "<|end|>", FT__TOKEN_USER);
    if (ft__tok_text_ends(v, "<|tool_response>")) ft__tok_unend(v, "</s>", FT__TOKEN_NORMAL);
}

static bool ft__tok_is_special(const ft__vocab *v, int32_t id) {
    return v->types[id] == FT__TOKEN_CONTROL || v->types[id] == FT__TOKEN_USER ||
           v->types[id] == FT__TOKEN_UNKNOWN;
}

/* Phi-3 was made with special tokens that strip what follows; only its name says so. */
static void ft__tok_apply_phi3(ft__vocab *v, ft__gguf_str name) {
    static const char *const keep[] = {"<unk>", "<s>", "<|endoftext|>"};
    char lower[256];
    size_t n = name.len < sizeof lower - 1 ? name.len : sizeof lower - 1;
    for (size_t i = 0; i < n; i++) {
        char c = name.data[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c ? c : ' ';
    }
    lower[n] = 0;
    if (!strstr(lower, "phi-3") && !strstr(lower, "phi3")) return;
    for (int32_t i = 0; i < v->n_vocab; i++)
        if (ft__tok_is_special(v, i)) v->flags[i] |= FT__TOKEN_EATS_SPACE;
    for (size_t i = 0; i < FT__COUNT(keep); i++) {
        int32_t id = ft__tok_find_text(v, keep[i]);
        if (id >= 0) v->flags[id] = (uint8_t)(v->flags[id] & ~FT__TOKEN_EATS_SPACE);
    }
}

static ft_status ft__tok_read_specials(ft__vocab *v, ft__gguf *g, ft_error *err) {
    static const char *const end_keys[] = {
        "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id",
        "tokenizer.ggml.fim_pad_token_id", "tokenizer.ggml.fim_rep_token_id",
        "tokenizer.ggml.fim_sep_token_id",
    };
    const ft__tok_kind *kind = v->kind;
    ft__gguf_str name = {"", 0};
    int32_t id, unk = kind ? kind->unk : -1;
    ft_status status;
    if (unk >= 0 && unk < v->n_vocab && ft__gguf_key(g, "tokenizer.ggml.token_type") &&
        v->types[unk] != FT__TOKEN_UNKNOWN && v->types[unk] != FT__TOKEN_CONTROL)
        unk = -1; /* the usual place holds something else */
    v->add_bos = kind && kind->add_bos;
    v->add_space_prefix = kind && kind->add_space_prefix;
    if ((status = ft__tok_read_id(v, g, "tokenizer.ggml.bos_token_id", kind ? kind->bos : -1,
                                  &v->bos, err)) ||
        (status = ft__tok_read_id(v, g, "tokenizer.ggml.eos_token_id", kind ? kind->eos : -1,
                                  &v->eos, err)) ||
        (status = ft__tok_read_id(v, g, "tokenizer.ggml.unknown_token_id", unk, &v->unk, err)) ||
        (status = ft__gguf_bool(g, "tokenizer.ggml.add_bos_token", &v->add_bos, err)) ||
        (status = ft__gguf_bool(g, "tokenizer.ggml.add_eos_token", &v->add_eos, err)) ||
        (status = ft__gguf_bool(g, "tokenizer.ggml.add_space_prefix", &v->add_space_prefix, err)) ||
        (status = ft__gguf_string(g, "general.name", &name, err)))
        return status;
    ft__tok_apply_spellings(v);
    if (v->eos >= 0 && v->n_vocab) v->flags[v->eos] |= FT__TOKEN_IS_END;
    for (size_t i = 0; i < FT__COUNT(end_keys); i++) {
        if ((status = ft__tok_read_id(v, g, end_keys[i], -1, &id, err))) return status;
        if (id >= 0 && v->n_vocab) v->flags[id] |= FT__TOKEN_IS_END;
    }
    ft__tok_apply_phi3(v, name);
    return FT_OK;
}

static ft_status ft__tok_prepare_kind(ft__vocab *v, ft__gguf *g, ft_error *err) {
    return v->kind ? v->kind->prepare(v, g, err) : FT_OK;
}

/* ---- tables that are built */

static int ft__tok_by_text(const void *a, const void *b) {
    const ft__tok_special *x = (const ft__tok_special *)a, *y = (const ft__tok_special *)b;
    size_t n = x->text.len < y->text.len ? x->text.len : y->text.len;
    int order = memcmp(x->text.data, y->text.data, n);
    if (order) return order;
    if (x->text.len != y->text.len) return x->text.len < y->text.len ? -1 : 1;
    return x->id < y->id ? 1 : -1; /* the later of equals comes first and is the one kept */
}

static ft_status ft__tok_sort_specials(ft__vocab *v, ft__gguf *g, ft_error *err) {
    size_t n = 0, kept = 0;
    (void)g;
    for (int32_t i = 0; i < v->n_vocab; i++) n += ft__tok_is_special(v, i);
    ft__tok_special *all = (ft__tok_special *)ft__arena_alloc(&v->arena, n, sizeof *all);
    if (!all) return ft__fail_memory(err);
    n = 0;
    for (int32_t i = 0; i < v->n_vocab; i++) {
        if (!ft__tok_is_special(v, i) || v->tokens[i].len == 0) continue;
        all[n].text = v->tokens[i];
        all[n++].id = i;
    }
    if (n) qsort(all, n, sizeof *all, ft__tok_by_text);
    for (size_t i = 0; i < n; i++) {
        if (kept && ft__text_equal(all[kept - 1].text.data, all[kept - 1].text.len,
                                   all[i].text.data, all[i].text.len))
            continue;
        v->first[(uint8_t)all[i].text.data[0] + 1]++;
        all[kept++] = all[i];
    }
    for (int b = 0; b < 256; b++) v->first[b + 1] += v->first[b];
    v->specials = all;
    return FT_OK;
}

static size_t ft__tok_spell(const ft__vocab *v, int32_t id, char *out) {
    ft__gguf_str t = v->tokens[id];
    switch (v->types[id]) {
    case FT__TOKEN_CONTROL: case FT__TOKEN_UNKNOWN: return 0;
    case FT__TOKEN_BYTE: *out = (char)ft__tok_byte_of(t); return 1;
    case FT__TOKEN_USER: memcpy(out, t.data, t.len); return t.len;
    default: return v->kind->spell(t, out);
    }
}

static ft_status ft__tok_build_pieces(ft__vocab *v, ft__gguf *g, ft_error *err) {
    size_t total = 0, n_vocab = (size_t)v->n_vocab;
    (void)g;
    if (!v->kind) return FT_OK;
    for (size_t i = 0; i < n_vocab; i++) total += v->tokens[i].len; /* all inside one file */
    v->pieces = (char *)ft__arena_alloc(&v->arena, total, 1);
    v->piece_at = (size_t *)ft__arena_alloc(&v->arena, n_vocab + 1, sizeof *v->piece_at);
    if (!v->pieces || !v->piece_at) return ft__fail_memory(err);
    for (size_t i = 0; i < n_vocab; i++)
        v->piece_at[i + 1] =
            v->piece_at[i] + ft__tok_spell(v, (int32_t)i, v->pieces + v->piece_at[i]);
    return FT_OK;
}

FT__PRIV ft_status ft__vocab_load(ft__vocab **out, ft__gguf *g, const ft_allocator *a,
                                  ft_error *err) {
    static ft_status (*const steps[])(ft__vocab *, ft__gguf *, ft_error *) = {
        ft__tok_read_model, ft__tok_read_tokens, ft__tok_build_slots, ft__tok_read_types,
        ft__tok_read_specials, ft__tok_prepare_kind, ft__tok_sort_specials, ft__tok_build_pieces,
    };
    ft_allocator allocator = ft__allocator(a);
    ft_status status = FT_OK;
    ft__vocab *v = (ft__vocab *)ft__alloc_zero(&allocator, 1, sizeof *v);
    *out = NULL;
    if (!v) return ft__fail_memory(err);
    ft__arena_init(&v->arena, &allocator);
    for (size_t i = 0; i < FT__COUNT(steps) && !status; i++) status = steps[i](v, g, err);
    if (status) ft__vocab_free(v);
    else *out = v;
    return status;
}

FT__PRIV void ft__vocab_free(ft__vocab *v) {
    if (!v) return;
    ft_allocator allocator = v->arena.allocator;
    ft__arena_free(&v->arena);
    ft__free(&allocator, v);
}

/* ---- text to ids */

FT__PRIV bool ft__tok_push(ft__tok_work *w, int32_t id) {
    if (!ft__grow(&w->allocator, (void **)&w->ids, &w->cap_ids, w->n_ids + 1, sizeof *w->ids))
        return false;
    w->ids[w->n_ids++] = id;
    return true;
}

/* The first special in lo..hi whose byte k is at least `byte`; all agree in bytes 0..k-1. */
static uint32_t ft__tok_bound(const ft__vocab *v, uint32_t lo, uint32_t hi, size_t k,
                              unsigned byte) {
    while (lo < hi) {
        uint32_t middle = lo + (hi - lo) / 2;
        if ((uint8_t)v->specials[middle].text.data[k] < byte) lo = middle + 1;
        else hi = middle;
    }
    return lo;
}

/* The longest special token that stands at `text`, or NULL: each byte narrows the sorted list down
   to those that still agree. */
static const ft__tok_special *ft__tok_special_at(const ft__vocab *v, const char *text,
                                                 const char *end, bool parse) {
    const ft__tok_special *longest = NULL;
    uint32_t lo = v->first[(uint8_t)*text], hi = v->first[(uint8_t)*text + 1];
    for (size_t k = 1; lo < hi; k++) {
        if (v->specials[lo].text.len == k) { /* it ends here, and sorts before those that go on */
            if (parse || v->types[v->specials[lo].id] == FT__TOKEN_USER) longest = v->specials + lo;
            lo++;
        }
        if (text + k == end) break;
        unsigned byte = (uint8_t)text[k];
        lo = ft__tok_bound(v, lo, hi, k, byte);
        hi = ft__tok_bound(v, lo, hi, k, byte + 1);
    }
    return longest;
}

static const char *ft__tok_skip_space(const char *p, const char *end) {
    while (p < end && (*p == ' ' || (*p >= '\t' && *p <= '\r'))) p++;
    return p;
}

/* Leftmost special first, the longest of those that begin there; the rest is for the kind. */
static ft_status ft__tok_cut(const ft__vocab *v, ft__tok_work *w, const char *text, size_t n,
                             bool parse, ft_error *err) {
    const char *p = text, *raw = text, *end = text + n;
    ft_status status;
    while (p < end) {
        const ft__tok_special *special = ft__tok_special_at(v, p, end, parse);
        if (!special) {
            p++;
            continue;
        }
        if (p > raw && (status = v->kind->tokenize(v, w, raw, (size_t)(p - raw), err)))
            return status;
        if (!ft__tok_push(w, special->id)) return ft__fail_memory(err);
        p += special->text.len;
        if (v->flags[special->id] & FT__TOKEN_EATS_SPACE) p = ft__tok_skip_space(p, end);
        raw = p;
    }
    return p > raw ? v->kind->tokenize(v, w, raw, (size_t)(p - raw), err) : FT_OK;
}

static ft_status ft__tok_unsupported(const ft__vocab *v, ft_error *err) {
    if (!v->model[0]) return ft__fail(err, FT_ERR_UNSUPPORTED, "", "this file has no tokenizer");
    return ft__fail(err, FT_ERR_UNSUPPORTED, "", "tokenizer %.100s is not in this version",
                    v->model);
}

static ft_status ft__tok_no_room(const char *what, size_t need, size_t cap, ft_error *err) {
    return ft__fail(err, FT_ERR_LIMIT, "", "%llu %s, but room for %llu", (unsigned long long)need,
                    what, (unsigned long long)cap);
}

FT__PRIV ft_status ft__vocab_tokenize(const ft__vocab *v, const char *text, size_t n,
                                      unsigned flags, int32_t *tokens, size_t cap, size_t *n_out,
                                      ft_error *err) {
    bool whole = !(flags & FT_TOKENIZE_PLAIN);
    ft_status status = FT_OK;
    ft__tok_work w;
    *n_out = 0;
    if (!v->kind) return ft__tok_unsupported(v, err);
    if (n > INT32_MAX)
        return ft__fail(err, FT_ERR_LIMIT, "",
                        "a text of %llu bytes, at most 2147483647 are possible",
                        (unsigned long long)n);
    memset(&w, 0, sizeof w);
    w.allocator = v->arena.allocator;
    if (whole && v->add_bos && v->bos >= 0 && !ft__tok_push(&w, v->bos))
        status = ft__fail_memory(err);
    if (!status && n)
        status = ft__tok_cut(v, &w, text, n, (flags & FT_TOKENIZE_PARSE_SPECIAL) != 0, err);
    if (!status && whole && v->add_eos && v->eos >= 0 && !ft__tok_push(&w, v->eos))
        status = ft__fail_memory(err);
    if (!status) {
        *n_out = w.n_ids;
        if (w.n_ids > cap) status = ft__tok_no_room("tokens", w.n_ids, cap, err);
        else if (w.n_ids) memcpy(tokens, w.ids, w.n_ids * sizeof *tokens);
    }
    ft__free(&w.allocator, w.ids);
    ft__free(&w.allocator, w.text);
    ft__free(&w.allocator, w.symbols);
    ft__free(&w.allocator, w.keys);
    return status;
}

/* ---- ids to text */

FT__PRIV const char *ft__vocab_piece(const ft__vocab *v, int32_t token, size_t *n) {
    *n = 0;
    if (!v->kind || token < 0 || token >= v->n_vocab) return "";
    *n = v->piece_at[token + 1] - v->piece_at[token];
    return v->pieces + v->piece_at[token];
}

FT__PRIV bool ft__vocab_is_end(const ft__vocab *v, int32_t token) {
    return token >= 0 && token < v->n_vocab && (v->flags[token] & FT__TOKEN_IS_END);
}

/* Joins the pieces into `text`, or only counts where that is NULL.  The blank that tokenizing put
   before the text goes: one, of the first token that is text at all. */
static size_t ft__tok_join(const ft__vocab *v, const int32_t *tokens, size_t n_tokens, char *text) {
    bool drop_blank = v->add_space_prefix;
    size_t total = 0, n;
    for (size_t i = 0; i < n_tokens; i++) {
        const char *piece = ft__vocab_piece(v, tokens[i], &n);
        if (n && drop_blank) {
            drop_blank = false;
            if (*piece == ' ' && v->types[tokens[i]] == FT__TOKEN_NORMAL) piece++, n--;
        }
        if (text && n) memcpy(text + total, piece, n);
        total += n;
    }
    return total;
}

FT__PRIV ft_status ft__vocab_detokenize(const ft__vocab *v, const int32_t *tokens, size_t n_tokens,
                                        char *text, size_t cap, size_t *n_out, ft_error *err) {
    *n_out = 0;
    if (!v->kind) return ft__tok_unsupported(v, err);
    for (size_t i = 0; i < n_tokens; i++)
        if (tokens[i] < 0 || tokens[i] >= v->n_vocab)
            return ft__fail(err, FT_ERR_TOKEN, "", "token %llu is %d, the vocabulary has 0 to %d",
                            (unsigned long long)i, (int)tokens[i], (int)v->n_vocab - 1);
    *n_out = ft__tok_join(v, tokens, n_tokens, NULL);
    if (*n_out > cap) return ft__tok_no_room("bytes", *n_out, cap, err);
    if (*n_out) ft__tok_join(v, tokens, n_tokens, text);
    return FT_OK;
}
