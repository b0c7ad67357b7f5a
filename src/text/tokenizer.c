/* What all tokenizers share: reading the vocabulary of a GGUF file, building one from its parts,
   finding tokens by spelling, cutting a text at special tokens, BOS and EOS, and the way back to
   text.  How the text between two special tokens becomes ids is a matter of the kind: a row of
   ft__tok_kinds. */
#include "text.h"

static const ft__tok_kind ft__tok_kinds[] = {
    {"llama", 1, 2, 0, true, false, true, true, false, ft__spm_prepare, ft__spm_tokenize,
     ft__spm_spell},
    {"gpt2", 11, 11, -1, false, false, false, false, true, ft__bpe_prepare, ft__bpe_tokenize,
     ft__bpe_spell},
    {"gemma4", 2, 1, 3, true, false, false, true, false, ft__gemma4_prepare, ft__gemma4_tokenize,
     ft__spm_spell},
    {"bert", 101, 102, 100, true, true, true, false, false, ft__wpm_prepare, ft__wpm_tokenize,
     ft__spm_spell},
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
static ft_status ft__tok_build_slots(ft__vocab *v, const ft__vocab_parts *parts, ft_error *err) {
    size_t n = 4;
    (void)parts;
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

/* ---- building a vocabulary */

FT__PRIV ft_status ft__tok_bad_part(const ft__vocab_parts *parts, const char *key, ft_error *err,
                                    const char *fmt, ...) {
    char message[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    return ft__fail(err, FT_ERR_FORMAT, parts->where, "%s%s%s", parts->prefix, key, message);
}

static ft_status ft__tok_choose_kind(ft__vocab *v, const ft__vocab_parts *parts, ft_error *err) {
    const char *pre = *parts->pre ? parts->pre : "default";
    v->model = ft__arena_text(&v->arena, parts->model, strlen(parts->model));
    v->pre = ft__arena_text(&v->arena, parts->pre, strlen(parts->pre));
    if (!v->model || !v->pre) return ft__fail_memory(err);
    for (size_t i = 0; i < FT__COUNT(ft__tok_kinds); i++)
        if (strcmp(v->model, ft__tok_kinds[i].model) == 0) v->kind = &ft__tok_kinds[i];
    if (v->kind && v->kind->pretok) {
        v->pretok = ft__pretok_find(pre, strlen(pre));
        if (!v->pretok) v->kind = NULL;
    }
    return FT_OK;
}

static ft_status ft__tok_take_tokens(ft__vocab *v, const ft__vocab_parts *parts, ft_error *err) {
    if (!parts->tokens && v->kind)
        return ft__tok_bad_part(parts, "tokens", err, " is missing, the tokenizer %s needs it",
                                v->model);
    if (!parts->tokens) return FT_OK;
    if (parts->n_tokens == 0 || parts->n_tokens > INT32_MAX)
        return ft__tok_bad_part(parts, "tokens", err,
                                ": must hold 1 to 2147483647 tokens, found %llu",
                                (unsigned long long)parts->n_tokens);
    v->tokens = parts->tokens;
    v->n_vocab = (int32_t)parts->n_tokens;
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
static ft_status ft__tok_take_types(ft__vocab *v, const ft__vocab_parts *parts, ft_error *err) {
    bool byte_tokens = v->kind && v->kind->byte_tokens;
    v->types = (uint8_t *)ft__arena_alloc(&v->arena, (size_t)v->n_vocab, 1);
    v->flags = (uint8_t *)ft__arena_alloc(&v->arena, (size_t)v->n_vocab, 1);
    if (!v->types || !v->flags) return ft__fail_memory(err);
    for (int b = 0; b < 256; b++) v->byte_ids[b] = -1;
    for (int32_t i = 0; i < v->n_vocab; i++) {
        int type = parts->types ? parts->types[i] : FT__TOKEN_NORMAL;
        int byte = ft__tok_byte_of(v->tokens[i]);
        if (type < 0 || type > FT__TOKEN_BYTE)
            return ft__tok_bad_part(parts, "token_type", err,
                                    ": token %d must have a type from 1 to 6, found %d", (int)i, type);
        if (byte >= 0 && (type == FT__TOKEN_BYTE || !parts->types)) v->byte_ids[byte] = i;
        if (byte >= 0 && !parts->types && byte_tokens) type = FT__TOKEN_BYTE;
        if ((byte < 0 && type == FT__TOKEN_BYTE) || type == 0) type = FT__TOKEN_NORMAL;
        v->types[i] = (uint8_t)type;
        if (parts->flags) v->flags[i] = parts->flags[i];
    }
    return FT_OK;
}

/* ---- special ids and what the spellings say */

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

/* Phi-3 was made with special tokens that strip what follows; in a GGUF file only its name says so. */
static void ft__tok_apply_phi3(ft__vocab *v, const char *name) {
    static const char *const keep[] = {"<unk>", "<s>", "<|endoftext|>"};
    char lower[256];
    size_t n = 0;
    for (; name[n] && n < sizeof lower - 1; n++)
        lower[n] = name[n] >= 'A' && name[n] <= 'Z' ? (char)(name[n] - 'A' + 'a') : name[n];
    lower[n] = 0;
    if (!strstr(lower, "phi-3") && !strstr(lower, "phi3")) return;
    for (int32_t i = 0; i < v->n_vocab; i++)
        if (ft__tok_is_special(v, i)) v->flags[i] |= FT__TOKEN_EATS_SPACE;
    for (size_t i = 0; i < FT__COUNT(keep); i++) {
        int32_t id = ft__tok_find_text(v, keep[i]);
        if (id >= 0) v->flags[id] = (uint8_t)(v->flags[id] & ~FT__TOKEN_EATS_SPACE);
    }
}

/* An id outside the vocabulary means "none"; without a vocabulary the file is believed. */
static int32_t ft__tok_id(const ft__vocab *v, int64_t id, int32_t usual) {
    int64_t highest = v->n_vocab ? v->n_vocab - 1 : INT32_MAX;
    if (id == FT__TOK_USUAL) id = usual;
    return id >= 0 && id <= highest ? (int32_t)id : -1;
}

static ft_status ft__tok_take_specials(ft__vocab *v, const ft__vocab_parts *parts, ft_error *err) {
    const ft__tok_kind *kind = v->kind;
    int32_t unk = kind ? kind->unk : -1;
    (void)err;
    if (unk >= 0 && unk < v->n_vocab && parts->types && v->types[unk] != FT__TOKEN_UNKNOWN &&
        v->types[unk] != FT__TOKEN_CONTROL)
        unk = -1; /* the usual place holds something else */
    v->bos = ft__tok_id(v, parts->bos, kind ? kind->bos : -1);
    v->eos = ft__tok_id(v, parts->eos, kind ? kind->eos : -1);
    v->unk = ft__tok_id(v, parts->unk, unk);
    v->add_bos = parts->add_bos < 0 ? kind && kind->add_bos : parts->add_bos;
    v->add_eos = parts->add_eos < 0 ? kind && kind->add_eos : parts->add_eos;
    v->add_space_prefix = kind && kind->add_space_prefix && parts->add_space_prefix != 0;
    v->prefix_once = parts->prefix_once > 0;
    ft__tok_apply_spellings(v);
    if (v->eos >= 0 && v->n_vocab && !(kind && kind->add_eos)) /* else a separator */
        v->flags[v->eos] |= FT__TOKEN_IS_END;
    for (int i = 0; i < parts->n_ends; i++) {
        int32_t id = ft__tok_id(v, parts->ends[i], -1);
        if (id >= 0 && v->n_vocab) v->flags[id] |= FT__TOKEN_IS_END;
    }
    ft__tok_apply_phi3(v, parts->name);
    return FT_OK;
}

static ft_status ft__tok_prepare_kind(ft__vocab *v, const ft__vocab_parts *parts, ft_error *err) {
    return v->kind ? v->kind->prepare(v, parts, err) : FT_OK;
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

static ft_status ft__tok_sort_specials(ft__vocab *v, const ft__vocab_parts *parts, ft_error *err) {
    size_t n = 0, kept = 0;
    (void)parts;
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

static ft_status ft__tok_build_pieces(ft__vocab *v, const ft__vocab_parts *parts, ft_error *err) {
    size_t total = 0, n_vocab = (size_t)v->n_vocab;
    (void)parts;
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

FT__PRIV void ft__vocab_parts_init(ft__vocab_parts *parts) {
    memset(parts, 0, sizeof *parts);
    parts->where = parts->prefix = parts->model = parts->pre = parts->name = "";
    parts->bos = parts->eos = parts->unk = FT__TOK_USUAL;
    parts->add_bos = parts->add_eos = parts->add_space_prefix = -1;
    parts->ignore_merges = parts->nfc = -1;
}

FT__PRIV ft_status ft__vocab_build(ft__vocab **out, const ft__vocab_parts *parts,
                                   const ft_allocator *a, ft_error *err) {
    static ft_status (*const steps[])(ft__vocab *, const ft__vocab_parts *, ft_error *) = {
        ft__tok_choose_kind, ft__tok_take_tokens, ft__tok_build_slots, ft__tok_take_types,
        ft__tok_take_specials, ft__tok_prepare_kind, ft__tok_sort_specials, ft__tok_build_pieces,
    };
    ft_allocator allocator = ft__allocator(a);
    ft_status status = FT_OK;
    ft__vocab *v = (ft__vocab *)ft__alloc_zero(&allocator, 1, sizeof *v);
    *out = NULL;
    if (!v) return ft__fail_memory(err);
    ft__arena_init(&v->arena, &allocator);
    for (size_t i = 0; i < FT__COUNT(steps) && !status; i++) status = steps[i](v, parts, err);
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

/* ---- the parts in a GGUF file */

/* Reading: the file, an arena for what goes when the vocabulary stands, and the parts. */
typedef struct ft__tok_reader {
    ft__gguf *g;
    ft__arena arena;
    ft__vocab_parts parts;
} ft__tok_reader;

static ft_status ft__tok_read_text(ft__tok_reader *r, const char *key, const char **text,
                                   ft_error *err) {
    ft__gguf_str found = {"", 0};
    ft_status status = ft__gguf_string(r->g, key, &found, err);
    if (status) return status;
    *text = ft__arena_text(&r->arena, found.data, found.len);
    return *text ? FT_OK : ft__fail_memory(err);
}

/* An array of one number (a float where `floats`) per token; *kv NULL if there is none. */
static ft_status ft__tok_read_array(ft__tok_reader *r, const char *key, bool floats,
                                    const ft__gguf_kv **kv, ft_error *err) {
    char name[64];
    snprintf(name, sizeof name, "%s%s", r->parts.prefix, key);
    *kv = ft__gguf_key(r->g, name);
    if (!*kv) return FT_OK;
    ft__gguf_type t = (*kv)->element;
    bool is_float = t == FT__GGUF_F32 || t == FT__GGUF_F64;
    if ((*kv)->type != FT__GGUF_ARRAY || t == FT__GGUF_STRING || t == FT__GGUF_ARRAY ||
        t == FT__GGUF_BOOL || is_float != floats)
        return ft__tok_bad_part(&r->parts, key, err, ": must be an array of %s",
                                floats ? "floats" : "integers");
    if ((*kv)->count != r->parts.n_tokens)
        return ft__tok_bad_part(&r->parts, key, err,
                                ": must hold one value for each of the %llu tokens, found %llu values",
                                (unsigned long long)r->parts.n_tokens,
                                (unsigned long long)(*kv)->count);
    return FT_OK;
}

static ft_status ft__tok_read_types(ft__tok_reader *r, ft_error *err) {
    const ft__gguf_kv *kv;
    ft_status status = ft__tok_read_array(r, "token_type", false, &kv, err);
    if (status || !kv) return status;
    int32_t *types = (int32_t *)ft__arena_alloc(&r->arena, r->parts.n_tokens, sizeof *types);
    if (!types) return ft__fail_memory(err);
    for (size_t i = 0; i < r->parts.n_tokens; i++) {
        int64_t type = ft__gguf_int_at(kv, i);
        types[i] = type < INT32_MIN ? INT32_MIN : type > INT32_MAX ? INT32_MAX : (int32_t)type;
    }
    r->parts.types = types;
    return FT_OK;
}

static ft_status ft__tok_read_scores(ft__tok_reader *r, ft_error *err) {
    const ft__gguf_kv *kv;
    ft_status status = ft__tok_read_array(r, "scores", true, &kv, err);
    if (status || !kv) return status;
    float *scores = (float *)ft__arena_alloc(&r->arena, r->parts.n_tokens, sizeof *scores);
    if (!scores) return ft__fail_memory(err);
    for (size_t i = 0; i < r->parts.n_tokens; i++) scores[i] = (float)ft__gguf_number_at(kv, i);
    r->parts.scores = scores;
    return FT_OK;
}

/* "left right": the first blank that is not the first character stands between them. */
static ft_status ft__tok_read_merges(ft__tok_reader *r, ft_error *err) {
    const ft__gguf_kv *kv = ft__gguf_key(r->g, "tokenizer.ggml.merges");
    ft__gguf_str *texts = NULL;
    if (!kv) return FT_OK;
    ft_status status = ft__gguf_strings(r->g, kv, &texts, err);
    if (status) return status;
    size_t n = (size_t)kv->count;
    ft__tok_merge *merges = (ft__tok_merge *)ft__arena_alloc(&r->arena, n ? n : 1, sizeof *merges);
    if (!merges) return ft__fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        ft__gguf_str t = texts[i];
        const char *blank = t.len > 2 ? (const char *)memchr(t.data + 1, ' ', t.len - 2) : NULL;
        if (!blank)
            return ft__tok_bad_part(&r->parts, "merges", err,
                                    "[%llu] must be two texts with a blank between, found \"%.*s\"",
                                    (unsigned long long)i, t.len < 80 ? (int)t.len : 80, t.data);
        merges[i].left.data = t.data;
        merges[i].left.len = (size_t)(blank - t.data);
        merges[i].right.data = blank + 1;
        merges[i].right.len = t.len - merges[i].left.len - 1;
    }
    r->parts.merges = merges;
    r->parts.n_merges = n;
    return FT_OK;
}

static ft_status ft__tok_read_flag(const ft__gguf *g, const char *key, int *flag, ft_error *err) {
    bool value = false;
    if (!ft__gguf_key(g, key)) return FT_OK;
    ft_status status = ft__gguf_bool(g, key, &value, err);
    *flag = value;
    return status;
}

static ft_status ft__tok_read_small(ft__tok_reader *r, ft_error *err) {
    static const char *const end_keys[] = {
        "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id",
        "tokenizer.ggml.fim_pad_token_id", "tokenizer.ggml.fim_rep_token_id",
        "tokenizer.ggml.fim_sep_token_id",
    };
    ft__vocab_parts *p = &r->parts;
    ft__gguf *g = r->g;
    ft_status status;
    bool bert = strcmp(p->model, "bert") == 0;
    const char *bos = bert ? "tokenizer.ggml.cls_token_id" : "tokenizer.ggml.bos_token_id";
    const char *eos = bert ? "tokenizer.ggml.seperator_token_id" : "tokenizer.ggml.eos_token_id";
    if ((status = ft__gguf_int(g, bos, INT64_MIN, INT64_MAX, &p->bos, err)) ||
        (status = ft__gguf_int(g, eos, INT64_MIN, INT64_MAX, &p->eos, err)) ||
        (status = ft__gguf_int(g, "tokenizer.ggml.unknown_token_id", INT64_MIN, INT64_MAX, &p->unk,
                               err)) ||
        (status = ft__tok_read_flag(g, "tokenizer.ggml.add_bos_token", &p->add_bos, err)) ||
        (status = ft__tok_read_flag(g, "tokenizer.ggml.add_eos_token", &p->add_eos, err)) ||
        (status = ft__tok_read_flag(g, "tokenizer.ggml.add_space_prefix", &p->add_space_prefix, err)) ||
        (status = ft__tok_read_flag(g, "tokenizer.ft.space_prefix_once", &p->prefix_once, err)))
        return status;
    for (size_t i = 0; i < FT__COUNT(end_keys) && !status; i++) {
        p->ends[p->n_ends] = -1;
        status = ft__gguf_int(g, end_keys[i], INT64_MIN, INT64_MAX, &p->ends[p->n_ends++], err);
    }
    return status;
}

static ft_status ft__tok_read_parts(ft__tok_reader *r, ft_error *err) {
    const ft__gguf_kv *tokens = ft__gguf_key(r->g, "tokenizer.ggml.tokens");
    ft__gguf_str *texts = NULL;
    ft_status status;
    if ((status = ft__tok_read_text(r, "tokenizer.ggml.model", &r->parts.model, err)) ||
        (status = ft__tok_read_text(r, "tokenizer.ggml.pre", &r->parts.pre, err)) ||
        (status = ft__tok_read_text(r, "general.name", &r->parts.name, err)))
        return status;
    if (!tokens) return ft__tok_read_small(r, err);
    if ((status = ft__gguf_strings(r->g, tokens, &texts, err))) return status;
    r->parts.tokens = texts;
    r->parts.n_tokens = (size_t)tokens->count;
    if ((status = ft__tok_read_types(r, err)) || (status = ft__tok_read_scores(r, err)) ||
        (status = ft__tok_read_merges(r, err)))
        return status;
    return ft__tok_read_small(r, err);
}

FT__PRIV ft_status ft__vocab_load(ft__vocab **out, ft__gguf *g, const ft_allocator *a,
                                  ft_error *err) {
    ft_allocator allocator = ft__allocator(a);
    ft__tok_reader r;
    *out = NULL;
    r.g = g;
    ft__arena_init(&r.arena, &allocator);
    ft__vocab_parts_init(&r.parts);
    r.parts.where = g->path;
    r.parts.prefix = "tokenizer.ggml.";
    ft_status status = ft__tok_read_parts(&r, err);
    if (!status) status = ft__vocab_build(out, &r.parts, &allocator, err);
    ft__arena_free(&r.arena);
    return status;
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

static bool ft__tok_is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static const char *ft__tok_skip_space(const char *p, const char *end) {
    while (p < end && ft__tok_is_space(*p)) p++;
    return p;
}

static const char *ft__tok_drop_space(const char *start, const char *p) {
    while (p > start && ft__tok_is_space(p[-1])) p--;
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
        const char *stop = p;
        if (v->flags[special->id] & FT__TOKEN_EATS_BEFORE) stop = ft__tok_drop_space(raw, p);
        w->at_start = raw == text;
        if (stop > raw && (status = v->kind->tokenize(v, w, raw, (size_t)(stop - raw), err)))
            return status;
        if (!ft__tok_push(w, special->id)) return ft__fail_memory(err);
        p += special->text.len;
        if (v->flags[special->id] & FT__TOKEN_EATS_SPACE) p = ft__tok_skip_space(p, end);
        raw = p;
    }
    w->at_start = raw == text;
    return p > raw ? v->kind->tokenize(v, w, raw, (size_t)(p - raw), err) : FT_OK;
}

static ft_status ft__tok_unsupported(const ft__vocab *v, ft_error *err) {
    if (!v->model[0]) return ft__fail(err, FT_ERR_UNSUPPORTED, "", "this file has no tokenizer");
    for (size_t i = 0; i < FT__COUNT(ft__tok_kinds); i++)
        if (strcmp(v->model, ft__tok_kinds[i].model) == 0)
            return ft__fail(err, FT_ERR_UNSUPPORTED, "",
                            "the pre-tokenizer \"%.100s\" (tokenizer.ggml.pre) is not in this version",
                            v->pre);
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
    ft__buf_init(&w.normal, &w.allocator);
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
    ft__buf_free(&w.normal);
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
