/* The tokenizer of a Hugging Face folder: tokenizer.json and the files beside it to the keys that GGUF has for
   the same.  tokenizer.json is a program made of parts (normalizer, pre_tokenizer, model, post_processor); two
   kinds of them are known.

   Byte-level BPE becomes "gpt2".  The steps of its pre-tokenizer are written down as a list of patterns, and
   the list must be one of those published, as a row of ft__hf_pretoks says; the row's name is what GGUF calls it.

   SentencePiece BPE (blanks become U+2581, bytes where nothing else fits) becomes "llama".  There a pair is
   merged by the score of what it makes, here by its own rank.  That is the same where merges with one result
   stand together and all ways of making it are there, as in every file that was converted from SentencePiece;
   both are checked, and any other file is refused. */
#include "hf.h"

#define FT__HF_BLANK "\xE2\x96\x81"

/* Token types of the format. */
enum {
    FT__HF_NORMAL = 1, FT__HF_UNKNOWN, FT__HF_CONTROL, FT__HF_USER, FT__HF_UNUSED, FT__HF_BYTE
};

enum { FT__HF_MAX_MERGES = 1 << 24 }; /* ranks are floats' whole numbers */

/* ---- pre-tokenizers */

#define FT__HF_C "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define FT__HF_GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define FT__HF_SPACE "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define FT__HF_LEAD "[^\\r\\n\\p{L}\\p{N}]?"
#define FT__HF_UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define FT__HF_LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define FT__HF_CASED(end)                                                                                       \
    FT__HF_LEAD FT__HF_UPPER "*" FT__HF_LOWER "+" end "|" FT__HF_LEAD FT__HF_UPPER "+" FT__HF_LOWER "*" end
#define FT__HF_SYMBOLS "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
#define FT__HF_DEEPSEEK_CJK "[一-龥ࠀ-一가-퟿]+"

/* Patterns stand one a line.  nfc, whole: whether the normaliser is NFC, and model.ignore_merges; -1: it does
   not matter. */
typedef struct ft__hf_pretok {
    const char *name;
    int nfc, whole;
    const char *steps;
} ft__hf_pretok;

static const ft__hf_pretok ft__hf_pretoks[] = {
    {"gpt-2", 0, 0, FT__HF_GPT2 "\n"},
    {"olmo", 1, 0, FT__HF_GPT2 "\n"},
    {"starcoder", 0, 0, "\\p{N}\n" FT__HF_GPT2 "\n"},
    {"command-r", 1, 0, "\\p{N}\n" FT__HF_GPT2 "\n"},
    {"llama-bpe", 0, 1, FT__HF_C "|" FT__HF_LEAD "\\p{L}+|\\p{N}{1,3}" FT__HF_SYMBOLS FT__HF_SPACE "\n"},
    {"smaug-bpe", 0, 0, FT__HF_C "|" FT__HF_LEAD "\\p{L}+|\\p{N}{1,3}" FT__HF_SYMBOLS FT__HF_SPACE "\n"},
    {"qwen2", 1, 0, FT__HF_C "|" FT__HF_LEAD "\\p{L}+|\\p{N}" FT__HF_SYMBOLS FT__HF_SPACE "\n"},
    {"deepseek-r1-qwen", 0, 0, FT__HF_C "|" FT__HF_LEAD "\\p{L}+|\\p{N}" FT__HF_SYMBOLS FT__HF_SPACE "\n"},
    {"qwen35", 1, 0,
     FT__HF_C "|" FT__HF_LEAD "[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*" FT__HF_SPACE "\n"},
    {"gpt-4o", 0, -1, FT__HF_CASED(FT__HF_C "?") "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" FT__HF_SPACE "\n"},
    {"tekken", 0, 1, FT__HF_CASED("") "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" FT__HF_SPACE "\n"},
    {"deepseek-llm", 0, 0,
     "[\\r\\n]\n"
     "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕ"
     "ἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛ"
     "Ꜣ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+\n"
     "\\s?[!-/:-~！-／：-～‘-‟　-。]+\n"
     "\\s+$\n" FT__HF_DEEPSEEK_CJK "\n\\p{N}\n"},
    {"deepseek-coder", 0, 0, "[\\r\\n]\n\\s?\\p{L}+\n\\s?\\p{P}+\n" FT__HF_DEEPSEEK_CJK "\n\\p{N}\n"},
    {"deepseek-v3", 0, 0,
     "\\p{N}{1,3}\n[一-龥぀-ゟ゠-ヿ]+\n"
     "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
     "| ?[\\p{P}\\p{S}]+[\\r\\n]*" FT__HF_SPACE "\n"},
    {"falcon", 0, 0, "Punctuation\n" FT__HF_GPT2 "\nDigits\n[0-9][0-9][0-9]\n"},
    {"poro-chat", 0, 0, " ?[^(\\s|.,!?…。，、।۔،)]+\n"},
    {"viking", 0, 0, " ?[^(\\s|.,!?…。，、।۔،)]+\n\\p{N}\n"},
    {"bailingmoe", 0, 0,
     "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]"
     "|\\s+(?!\\S)|\\s+\n"},
    {"seed-coder", 0, 0,
     FT__HF_C "|" FT__HF_LEAD "\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+" FT__HF_SPACE "\n"},
    {"exaone-moe", 0, 0,
     FT__HF_C "|" FT__HF_LEAD "(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?"
     "|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+\n"},
    {"superbpe", 0, 0, "\\p{N}+\n(?=(\\d{3})+(?!\\d))\n"},
    {"tiny_aya", 1, 0,
     "\\d{1,3}(?=(?:\\d{3})*\\b)\n" FT__HF_CASED(FT__HF_C "?") "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*"
     FT__HF_SPACE "\n"},
};

/* ---- what is being read */

typedef enum ft__hf_prefix { FT__HF_NO_PREFIX, FT__HF_PREFIX, FT__HF_PREFIX_ONCE } ft__hf_prefix;

typedef struct ft__hf_tok {
    ft__hf *h;
    const ft__json *file;     /* tokenizer.json */
    const ft__json *model;    /* its "model" */
    const ft__json *settings; /* tokenizer_config.json, or NULL */
    ft__gguf_str *tokens;     /* (n) */
    int32_t *types;           /* (n) */
    float *scores;            /* (n) */
    uint8_t *added;           /* (n) from added_tokens; 2: it swallows the white space after it */
    size_t n;
    uint32_t *slots;          /* spelling -> id + 1: open addressing, n_slots a power of two */
    size_t n_slots;
    bool byte_level, nfc, blanks; /* blanks: U+0020 becomes U+2581 */
    ft__hf_prefix prefix;
    ft__buf steps;
} ft__hf_tok;

static const char ft__hf_tok_file[] = "tokenizer.json";

static ft_status ft__hf_tok_fail(ft__hf_tok *t, ft_status status, const char *field, const char *fmt, ...)
    FT__PRINTF(4, 5);
static ft_status ft__hf_tok_fail(ft__hf_tok *t, ft_status status, const char *field, const char *fmt, ...) {
    char message[384];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    return ft__hf_fail(t->h, status, ft__hf_tok_file, field, "%s", message);
}

static bool ft__hf_is(const ft__json *value, const char *text) {
    return value && value->type == FT__JSON_STRING &&
           ft__text_equal(value->text, value->text_len, text, strlen(text));
}

static bool ft__hf_true(const ft__json *object, const char *key, bool otherwise) {
    const ft__json *v = ft__hf_get(object, key);
    return v ? v->type == FT__JSON_TRUE : otherwise;
}

static const char *ft__hf_type(const ft__json *part) {
    const ft__json *type = ft__hf_get(part, "type");
    return type && type->type == FT__JSON_STRING ? type->text : "";
}

/* ---- spellings */

static uint32_t *ft__hf_slot(const ft__hf_tok *t, const char *text, size_t n) {
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < n; i++) hash = (hash ^ (uint8_t)text[i]) * 1099511628211u;
    size_t i = (size_t)(hash ^ hash >> 32) & (t->n_slots - 1);
    for (; t->slots[i]; i = (i + 1) & (t->n_slots - 1)) {
        const ft__gguf_str found = t->tokens[t->slots[i] - 1];
        if (ft__text_equal(found.data, found.len, text, n)) break;
    }
    return &t->slots[i];
}

/* The token spelled so, or -1. */
static int64_t ft__hf_id(const ft__hf_tok *t, const char *text, size_t n) {
    return (int64_t)*ft__hf_slot(t, text, n) - 1;
}

static ft_status ft__hf_add_token(ft__hf_tok *t, uint64_t id, const char *text, size_t n, const char *field) {
    uint32_t *slot = ft__hf_slot(t, text, n);
    if (t->tokens[id].data)
        return ft__hf_tok_fail(t, FT_ERR_FORMAT, field, "\"%.60s\" and \"%.60s\" have the same id %llu",
                               t->tokens[id].data, text, (unsigned long long)id);
    if (*slot)
        return ft__hf_tok_fail(t, FT_ERR_FORMAT, field, "\"%.80s\" has the ids %u and %llu", text, *slot - 1,
                               (unsigned long long)id);
    t->tokens[id].data = text;
    t->tokens[id].len = n;
    t->types[id] = FT__HF_NORMAL;
    *slot = (uint32_t)id + 1;
    return FT_OK;
}

static ft_status ft__hf_read_vocab(ft__hf_tok *t) {
    const ft__json *vocab = ft__hf_get(t->model, "vocab");
    ft__arena *arena = &t->h->arena;
    t->tokens = (ft__gguf_str *)ft__arena_alloc(arena, t->n, sizeof *t->tokens);
    t->types = (int32_t *)ft__arena_alloc(arena, t->n, sizeof *t->types);
    t->scores = (float *)ft__arena_alloc(arena, t->n, sizeof *t->scores);
    t->added = (uint8_t *)ft__arena_alloc(arena, t->n, 1);
    for (t->n_slots = 16; t->n_slots < 2 * t->n;) t->n_slots *= 2;
    t->slots = (uint32_t *)ft__arena_alloc(arena, t->n_slots, sizeof *t->slots);
    if (arena->failed) return ft__fail_memory(t->h->err);
    if (!vocab || vocab->type != FT__JSON_OBJECT)
        return ft__hf_tok_fail(t, FT_ERR_FORMAT, "model.vocab", "must be an object");
    for (const ft__json *v = vocab->child; v; v = v->next) {
        if (!ft__json_is_integer(v, 0, (double)t->n - 1))
            return ft__hf_tok_fail(t, FT_ERR_FORMAT, "model.vocab",
                                   "\"%.80s\" must have an id from 0 to %zu (rows of the embedding), found %.40s",
                                   v->key, t->n - 1,
                                   v->type == FT__JSON_NUMBER ? v->text : ft__json_type_name(v->type));
        ft_status status = ft__hf_add_token(t, (uint64_t)v->number, v->key, v->key_len, "model.vocab");
        if (status) return status;
    }
    return FT_OK;
}

/* One of added_tokens.  Those without a row in the embedding (Gemma 3's image token) can never be used. */
static ft_status ft__hf_read_added(ft__hf_tok *t, const ft__json *v) {
    const ft__json *id = ft__hf_get(v, "id"), *text = ft__hf_get(v, "content");
    if (!id || !ft__json_is_integer(id, 0, INT32_MAX) || !text || text->type != FT__JSON_STRING)
        return ft__hf_tok_fail(t, FT_ERR_FORMAT, "added_tokens",
                               "each must have an id (a whole number) and a content (a string)");
    const size_t i = (size_t)id->number;
    if (i >= t->n) return FT_OK;
    const bool same = ft__text_equal(t->tokens[i].data, t->tokens[i].len, text->text, text->text_len);
    if (!t->tokens[i].data || !same) {
        ft_status status = ft__hf_add_token(t, i, text->text, text->text_len, "added_tokens");
        if (status) return status;
    }
    if (ft__hf_true(v, "lstrip", false) || ft__hf_true(v, "single_word", false))
        return ft__hf_tok_fail(t, FT_ERR_UNSUPPORTED, "added_tokens",
                               "\"%.80s\" has %s, which is not in this version", text->text,
                               ft__hf_true(v, "lstrip", false) ? "lstrip" : "single_word");
    t->types[i] = ft__hf_true(v, "special", false) ? FT__HF_CONTROL : FT__HF_USER;
    t->added[i] = ft__hf_true(v, "rstrip", false) ? 2 : 1;
    return FT_OK;
}

/* Rows of the embedding that no token has. */
static ft_status ft__hf_fill_holes(ft__hf_tok *t) {
    for (size_t i = 0; i < t->n; i++) {
        if (t->tokens[i].data) continue;
        char *text = ft__arena_printf(&t->h->arena, "[PAD%zu]", i);
        if (!text) return ft__fail_memory(t->h->err);
        t->tokens[i].data = text;
        t->tokens[i].len = strlen(text);
        t->types[i] = FT__HF_UNUSED;
    }
    return FT_OK;
}

/* ---- normalizer and pre_tokenizer */

static ft_status ft__hf_read_normalizer(ft__hf_tok *t, const ft__json *part) {
    static const char field[] = "normalizer";
    const char *type = ft__hf_type(part);
    if (!part) return FT_OK;
    if (strcmp(type, "Sequence") == 0) {
        const ft__json *list = ft__hf_get(part, "normalizers");
        ft_status status = FT_OK;
        for (const ft__json *v = list ? list->child : NULL; v && !status; v = v->next)
            status = ft__hf_read_normalizer(t, v);
        return status;
    }
    if (strcmp(type, "NFC") == 0) {
        t->nfc = true;
    } else if (strcmp(type, "Prepend") == 0 && ft__hf_is(ft__hf_get(part, "prepend"), FT__HF_BLANK)) {
        t->prefix = FT__HF_PREFIX;
    } else if (strcmp(type, "Replace") == 0 &&
               ft__hf_is(ft__hf_get(ft__hf_get(part, "pattern"), "String"), " ") &&
               ft__hf_is(ft__hf_get(part, "content"), FT__HF_BLANK)) {
        t->blanks = true;
    } else {
        return ft__hf_tok_fail(t, FT_ERR_UNSUPPORTED, field, "the normalizer %.40s is not in this version", type);
    }
    return FT_OK;
}

/* A step's pattern on a line of its own; line ends inside are spelled, as most files do. */
static void ft__hf_step(ft__hf_tok *t, const char *pattern, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (pattern[i] == '\n') ft__buf_text(&t->steps, "\\n");
        else if (pattern[i] == '\r') ft__buf_text(&t->steps, "\\r");
        else ft__buf_byte(&t->steps, pattern[i]);
    }
    ft__buf_byte(&t->steps, '\n');
}

static ft_status ft__hf_unknown_step(ft__hf_tok *t, const char *type) {
    return ft__hf_tok_fail(t, FT_ERR_UNSUPPORTED, "pre_tokenizer",
                           "a step of type %.40s with these settings is not in this version", type);
}

/* Matches and gaps as pieces.  Where a pattern leaves no gaps, as all that end so do, "remove all but the
   matches" is the same. */
static bool ft__hf_no_gaps(const ft__json *regex) {
    static const char end[] = "|\\s+(?!\\S)|\\s+";
    const size_t n = sizeof end - 1;
    return regex->text_len > n && memcmp(regex->text + regex->text_len - n, end, n) == 0;
}

static ft_status ft__hf_read_split(ft__hf_tok *t, const ft__json *part) {
    const ft__json *pattern = ft__hf_get(part, "pattern"), *behavior = ft__hf_get(part, "behavior");
    const ft__json *regex = ft__hf_get(pattern, "Regex");
    const bool invert = ft__hf_true(part, "invert", false);
    if (t->blanks && ft__hf_is(ft__hf_get(pattern, "String"), " ") && !invert)
        return FT_OK; /* Gemma's: there is no blank left to split at */
    if (!regex || regex->type != FT__JSON_STRING ||
        !((ft__hf_is(behavior, "Isolated") && !invert) ||
          (ft__hf_is(behavior, "Removed") && invert && ft__hf_no_gaps(regex))))
        return ft__hf_unknown_step(t, "Split");
    ft__hf_step(t, regex->text, regex->text_len);
    return FT_OK;
}

static ft_status ft__hf_read_metaspace(ft__hf_tok *t, const ft__json *part) {
    const ft__json *scheme = ft__hf_get(part, "prepend_scheme");
    if (!ft__hf_is(ft__hf_get(part, "replacement"), FT__HF_BLANK) || ft__hf_true(part, "split", true))
        return ft__hf_unknown_step(t, "Metaspace");
    if (ft__hf_is(scheme, "first")) t->prefix = FT__HF_PREFIX_ONCE;
    else if (!ft__hf_is(scheme, "never")) return ft__hf_unknown_step(t, "Metaspace");
    t->blanks = true;
    return FT_OK;
}

static ft_status ft__hf_read_pretok(ft__hf_tok *t, const ft__json *part) {
    const char *type = ft__hf_type(part);
    if (!part) return FT_OK;
    if (strcmp(type, "Sequence") == 0) {
        const ft__json *list = ft__hf_get(part, "pretokenizers");
        ft_status status = FT_OK;
        for (const ft__json *v = list ? list->child : NULL; v && !status; v = v->next)
            status = ft__hf_read_pretok(t, v);
        return status;
    }
    if (strcmp(type, "Split") == 0) return ft__hf_read_split(t, part);
    if (strcmp(type, "Metaspace") == 0) return ft__hf_read_metaspace(t, part);
    if (strcmp(type, "ByteLevel") == 0) {
        if (ft__hf_true(part, "add_prefix_space", true)) return ft__hf_unknown_step(t, type);
        if (ft__hf_true(part, "use_regex", true)) ft__hf_step(t, FT__HF_GPT2, sizeof FT__HF_GPT2 - 1);
        t->byte_level = true;
    } else if (strcmp(type, "Digits") == 0 && ft__hf_true(part, "individual_digits", false)) {
        ft__hf_step(t, "\\p{N}", 5);
    } else if (strcmp(type, "Digits") == 0) {
        ft__hf_step(t, "Digits", 6);
    } else if (strcmp(type, "Punctuation") == 0 && ft__hf_is(ft__hf_get(part, "behavior"), "Contiguous")) {
        ft__hf_step(t, "Punctuation", 11);
    } else {
        return ft__hf_unknown_step(t, type);
    }
    return FT_OK;
}

/* Which pre-tokenizer of GGUF the steps are. */
static ft_status ft__hf_find_pretok(ft__hf_tok *t, const char **name) {
    const bool whole = ft__hf_true(t->model, "ignore_merges", false);
    bool known = false;
    *name = NULL;
    if (t->steps.failed) return ft__fail_memory(t->h->err);
    for (size_t i = 0; i < FT__COUNT(ft__hf_pretoks); i++) {
        const ft__hf_pretok *p = &ft__hf_pretoks[i];
        if (strcmp(p->steps, t->steps.data ? t->steps.data : "") != 0) continue;
        known = true;
        if (p->nfc == (int)t->nfc && (p->whole < 0 || p->whole == (int)whole)) *name = p->name;
    }
    if (*name) return FT_OK;
    if (known)
        return ft__hf_tok_fail(t, FT_ERR_UNSUPPORTED, "pre_tokenizer",
                               "its pattern is known, but not with normalizer %s and model.ignore_merges %s",
                               t->nfc ? "NFC" : "null", whole ? "true" : "false");
    return ft__hf_tok_fail(t, FT_ERR_UNSUPPORTED, "pre_tokenizer", "the pattern is not in this version: %.250s",
                           t->steps.data ? t->steps.data : "(none)");
}

/* ---- merges */

/* The two parts of a merge: "left right" or ["left", "right"]. */
static bool ft__hf_merge_parts(const ft__json *merge, ft__gguf_str part[2]) {
    if (merge->type == FT__JSON_ARRAY && merge->count == 2 && merge->child->type == FT__JSON_STRING &&
        merge->child->next->type == FT__JSON_STRING) {
        part[0].data = merge->child->text;
        part[0].len = merge->child->text_len;
        part[1].data = merge->child->next->text;
        part[1].len = merge->child->next->text_len;
        return part[0].len && part[1].len;
    }
    if (merge->type != FT__JSON_STRING || merge->text_len < 3) return false;
    const char *blank = (const char *)memchr(merge->text + 1, ' ', merge->text_len - 2);
    if (!blank) return false;
    part[0].data = merge->text;
    part[0].len = (size_t)(blank - merge->text);
    part[1].data = blank + 1;
    part[1].len = merge->text_len - part[0].len - 1;
    return true;
}

/* The list of merges, as long as it may be. */
static ft_status ft__hf_merges(ft__hf_tok *t, const ft__json **merges) {
    *merges = ft__hf_get(t->model, "merges");
    if (!*merges || (*merges)->type != FT__JSON_ARRAY)
        return ft__hf_tok_fail(t, FT_ERR_FORMAT, "model.merges", "must be an array");
    if ((*merges)->count >= FT__HF_MAX_MERGES)
        return ft__hf_tok_fail(t, FT_ERR_LIMIT, "model.merges", "%zu merges, at most %d are allowed",
                               (*merges)->count, FT__HF_MAX_MERGES - 1);
    return FT_OK;
}

static ft_status ft__hf_bad_merge(ft__hf_tok *t, size_t i) {
    return ft__hf_tok_fail(t, FT_ERR_FORMAT, "model.merges",
                           "[%zu] must be \"left right\" or [\"left\", \"right\"], tokens that make a token", i);
}

/* Both parts and what they make, as ids; false if one of them is no token. */
static bool ft__hf_merge_ids(ft__hf_tok *t, const ft__json *merge, ft__buf *joined, int64_t id[3]) {
    ft__gguf_str part[2];
    if (!ft__hf_merge_parts(merge, part)) return false;
    joined->len = 0;
    ft__buf_add(joined, part[0].data, part[0].len);
    ft__buf_add(joined, part[1].data, part[1].len);
    if (joined->failed) return false;
    id[0] = ft__hf_id(t, part[0].data, part[0].len);
    id[1] = ft__hf_id(t, part[1].data, part[1].len);
    id[2] = ft__hf_id(t, joined->data, joined->len);
    return id[0] >= 0 && id[1] >= 0 && id[2] >= 0;
}

/* Byte-level: the merges as they are, "left right". */
static ft_status ft__hf_put_merges(ft__hf_tok *t) {
    const ft__json *merges = NULL;
    size_t i = 0;
    ft__buf joined;
    ft_status status = ft__hf_merges(t, &merges);
    if (status) return status;
    ft__gguf_str *all = (ft__gguf_str *)ft__arena_alloc(&t->h->arena, merges->count, sizeof *all);
    if (!all) return ft__fail_memory(t->h->err);
    ft__buf_init(&joined, &t->h->arena.allocator);
    for (const ft__json *m = merges->child; m && !status; m = m->next, i++) {
        int64_t id[3];
        if (!ft__hf_merge_ids(t, m, &joined, id)) {
            status = joined.failed ? ft__fail_memory(t->h->err) : ft__hf_bad_merge(t, i);
        } else if (m->type == FT__JSON_STRING) {
            all[i].data = m->text;
            all[i].len = m->text_len;
        } else {
            const ft__gguf_str left = t->tokens[id[0]], right = t->tokens[id[1]];
            char *text = (char *)ft__arena_alloc(&t->h->arena, left.len + right.len + 2, 1);
            if (!text) {
                status = ft__fail_memory(t->h->err);
                continue;
            }
            memcpy(text, left.data, left.len);
            text[left.len] = ' ';
            memcpy(text + left.len + 1, right.data, right.len);
            all[i].data = text;
            all[i].len = left.len + right.len + 1;
        }
    }
    ft__buf_free(&joined);
    if (!status) ft__gguf_make_strings(t->h->g, "tokenizer.ggml.merges", all, merges->count);
    return status;
}

/* In how many ways a token is two tokens, leaving out added ones, which are never merged. */
static uint32_t ft__hf_ways(const ft__hf_tok *t, size_t token) {
    const char *text = t->tokens[token].data, *end = text + t->tokens[token].len, *p = text;
    uint32_t n = 0;
    for (ft__utf8_next(&p, end); p < end; ft__utf8_next(&p, end)) {
        int64_t left = ft__hf_id(t, text, (size_t)(p - text));
        int64_t right = left < 0 || t->added[left] ? -1 : ft__hf_id(t, p, (size_t)(end - p));
        n += right >= 0 && !t->added[right];
    }
    return n;
}

/* Ranks of merges to scores of what they make, where that is the same (see the top); ways (n) counts each
   token's merges. */
static ft_status ft__hf_score(ft__hf_tok *t, const ft__json *merges, uint32_t *ways) {
    int64_t id[3], last = -1;
    size_t i = 0;
    ft__buf joined;
    ft_status status = FT_OK;
    ft__buf_init(&joined, &t->h->arena.allocator);
    for (size_t k = 0; k < t->n; k++) t->scores[k] = -(float)merges->count;
    for (const ft__json *m = merges->child; m && !status; m = m->next, i++) {
        if (!ft__hf_merge_ids(t, m, &joined, id)) {
            status = joined.failed ? ft__fail_memory(t->h->err) : ft__hf_bad_merge(t, i);
            continue;
        }
        if (t->added[id[0]] || t->added[id[1]] || t->added[id[2]]) continue;
        if (id[2] != last && ways[id[2]])
            status = ft__hf_tok_fail(t, FT_ERR_UNSUPPORTED, "model.merges",
                                     "[%zu] makes \"%.60s\" again, after others: merges that do not follow "
                                     "the order of scores are not in this version", i, t->tokens[id[2]].data);
        if (!ways[id[2]]++) t->scores[id[2]] = -(float)i;
        last = id[2];
    }
    ft__buf_free(&joined);
    for (size_t k = 0; k < t->n && !status; k++)
        if (!t->added[k] && t->types[k] == FT__HF_NORMAL && ways[k] != ft__hf_ways(t, k))
            status = ft__hf_tok_fail(t, FT_ERR_UNSUPPORTED, "model.merges",
                                     "\"%.60s\" can be made in %u ways, but there are %u merges: lists that "
                                     "do not come from SentencePiece are not in this version",
                                     t->tokens[k].data, ft__hf_ways(t, k), ways[k]);
    return status;
}

static bool ft__hf_is_byte(ft__gguf_str t) {
    static const char digits[] = "0123456789ABCDEF";
    return t.len == 6 && memcmp(t.data, "<0x", 3) == 0 && t.data[5] == '>' && strchr(digits, t.data[3]) &&
           strchr(digits, t.data[4]);
}

/* SentencePiece spells user-defined tokens with real blanks, and they are cut out of the raw text. */
static ft_status ft__hf_unblank(ft__hf_tok *t, ft__gguf_str *token) {
    char *text = ft__arena_text(&t->h->arena, token->data, token->len);
    size_t n = 0;
    if (!text) return ft__fail_memory(t->h->err);
    for (size_t i = 0; i < token->len; n++) {
        const bool blank = token->len - i >= 3 && memcmp(token->data + i, FT__HF_BLANK, 3) == 0;
        text[n] = blank ? ' ' : token->data[i];
        i += blank ? 3 : 1;
    }
    token->data = text;
    token->len = n;
    return FT_OK;
}

static ft_status ft__hf_put_sentencepiece(ft__hf_tok *t) {
    ft__gguf *g = t->h->g;
    const ft__json *merges = NULL, *unk = ft__hf_get(t->model, "unk_token");
    if (!ft__hf_true(t->model, "byte_fallback", false))
        return ft__hf_tok_fail(t, FT_ERR_UNSUPPORTED, "model.byte_fallback", "must be true");
    if (ft__hf_true(t->model, "ignore_merges", false))
        return ft__hf_tok_fail(t, FT_ERR_UNSUPPORTED, "model.ignore_merges", "must be false");
    if (t->steps.len || t->nfc)
        return ft__hf_tok_fail(t, FT_ERR_UNSUPPORTED, "pre_tokenizer",
                               "blanks become U+2581 and texts are cut or normalised besides");
    for (size_t i = 0; i < t->n; i++)
        if (!t->added[i] && ft__hf_is_byte(t->tokens[i])) t->types[i] = FT__HF_BYTE;
    int64_t unk_id = unk && unk->type == FT__JSON_STRING ? ft__hf_id(t, unk->text, unk->text_len) : -1;
    if (unk_id >= 0) t->types[unk_id] = FT__HF_UNKNOWN;
    uint32_t *ways = (uint32_t *)ft__arena_alloc(&t->h->arena, t->n, sizeof *ways);
    ft_status status = ways ? ft__hf_merges(t, &merges) : ft__fail_memory(t->h->err);
    if (!status) status = ft__hf_score(t, merges, ways);
    if (status) return status;
    ft__gguf_make_string(g, "tokenizer.ggml.model", "llama", 5);
    ft__gguf_make_string(g, "tokenizer.ggml.pre", "default", 7);
    ft__gguf_make_array(g, "tokenizer.ggml.scores", FT__GGUF_F32, t->scores, t->n);
    ft__gguf_make_bool(g, "tokenizer.ggml.add_space_prefix", t->prefix != FT__HF_NO_PREFIX);
    if (t->prefix == FT__HF_PREFIX_ONCE) ft__gguf_make_bool(g, "tokenizer.ft.space_prefix_once", true);
    ft__gguf_make_u32(g, "tokenizer.ggml.unknown_token_id", unk_id < 0 ? UINT32_MAX : (uint32_t)unk_id);
    return FT_OK;
}

static ft_status ft__hf_put_byte_level(ft__hf_tok *t) {
    const char *pre;
    if (t->blanks || t->prefix != FT__HF_NO_PREFIX)
        return ft__hf_tok_fail(t, FT_ERR_UNSUPPORTED, "pre_tokenizer", "ByteLevel and U+2581 together");
    if (ft__hf_true(t->model, "byte_fallback", false))
        return ft__hf_tok_fail(t, FT_ERR_UNSUPPORTED, "model.byte_fallback", "must be false with ByteLevel");
    ft_status status = ft__hf_find_pretok(t, &pre);
    if (status) return status;
    ft__gguf_make_string(t->h->g, "tokenizer.ggml.model", "gpt2", 4);
    ft__gguf_make_string(t->h->g, "tokenizer.ggml.pre", pre, strlen(pre));
    return ft__hf_put_merges(t);
}

/* ---- special tokens */

/* A setting that is a text or an object with "content"; NULL if there is none. */
static const ft__json *ft__hf_token_text(const ft__json *settings, const char *key) {
    const ft__json *v = ft__hf_get(settings, key);
    if (v && v->type == FT__JSON_OBJECT) v = ft__hf_get(v, "content");
    return v && v->type == FT__JSON_STRING ? v : NULL;
}

/* An id of config.json: a number, or a list whose first one counts. */
static int64_t ft__hf_config_id(const ft__hf *h, const char *key) {
    const ft__json *v = ft__hf_get(h->config, key);
    if (!v) v = ft__hf_get(h->root, key);
    if (v && v->type == FT__JSON_ARRAY) v = v->child;
    return v && ft__json_is_integer(v, 0, (double)INT32_MAX) ? (int64_t)v->number : -1;
}

/* *id is -1 if there is none.  Padding and the like need not be in the vocabulary. */
static ft_status ft__hf_special(ft__hf_tok *t, const char *name, bool needed, int64_t *id) {
    char key[32];
    snprintf(key, sizeof key, "%s_token", name);
    const ft__json *text = ft__hf_token_text(t->settings, key);
    *id = text ? ft__hf_id(t, text->text, text->text_len) : -1;
    if (text && *id < 0 && needed)
        return ft__hf_fail(t->h, FT_ERR_FORMAT, "tokenizer_config.json", key,
                           "\"%.80s\" is not in the vocabulary", text->text);
    snprintf(key, sizeof key, "%s_token_id", name);
    if (*id < 0) *id = ft__hf_config_id(t->h, key);
    if (*id >= (int64_t)t->n) *id = -1;
    return FT_OK;
}

/* All tokens that end generation, beyond `eos`; GGUF has five more keys that this library takes so. */
static ft_status ft__hf_put_ends(ft__hf *h, int64_t eos, uint64_t n_vocab) {
    static const char *const keys[] = {
        "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id", "tokenizer.ggml.fim_pad_token_id",
        "tokenizer.ggml.fim_rep_token_id", "tokenizer.ggml.fim_sep_token_id"};
    const ft__json *generation, *ends;
    size_t n = 0;
    ft_status status = ft__hf_json(h, "generation_config.json", &generation);
    if (status) return status;
    ends = ft__hf_get(generation, "eos_token_id");
    if (!ends) ends = ft__hf_get(h->config, "eos_token_id");
    if (!ends) ends = ft__hf_get(h->root, "eos_token_id");
    if (!ends) return FT_OK;
    for (const ft__json *v = ends->type == FT__JSON_ARRAY ? ends->child : ends; v; v = v->next) {
        if (!ft__json_is_integer(v, 0, (double)n_vocab - 1))
            return ft__hf_fail(h, FT_ERR_FORMAT, generation ? "generation_config.json" : "config.json",
                               "eos_token_id", "must be ids from 0 to %llu", (unsigned long long)n_vocab - 1);
        if ((int64_t)v->number != eos) {
            if (n == FT__COUNT(keys))
                return ft__hf_fail(h, FT_ERR_UNSUPPORTED, generation ? "generation_config.json" : "config.json",
                                   "eos_token_id", "more than %zu tokens", n + 1);
            ft__gguf_make_u32(h->g, keys[n++], (uint32_t)v->number);
        }
        if (ends->type != FT__JSON_ARRAY) break;
    }
    return FT_OK;
}

/* What the post-processor puts around a text: at most one token on each side. */
static ft_status ft__hf_read_post(ft__hf_tok *t, const ft__json *part, int64_t around[2]) {
    static const char field[] = "post_processor";
    const char *type = ft__hf_type(part);
    if (!part || strcmp(type, "ByteLevel") == 0) return FT_OK;
    if (strcmp(type, "Sequence") == 0) {
        const ft__json *list = ft__hf_get(part, "processors");
        ft_status status = FT_OK;
        for (const ft__json *v = list ? list->child : NULL; v && !status; v = v->next)
            status = ft__hf_read_post(t, v, around);
        return status;
    }
    const ft__json *single = ft__hf_get(part, "single");
    if (strcmp(type, "TemplateProcessing") != 0 || !single || single->type != FT__JSON_ARRAY)
        return ft__hf_tok_fail(t, FT_ERR_UNSUPPORTED, field, "the type %.40s is not in this version", type);
    int side = 0;
    for (const ft__json *v = single->child; v; v = v->next) {
        const ft__json *special = ft__hf_get(v, "SpecialToken"), *text = ft__hf_get(special, "id");
        if (!special) {
            side = 1;
            continue;
        }
        int64_t id = text && text->type == FT__JSON_STRING ? ft__hf_id(t, text->text, text->text_len) : -1;
        if (id < 0 || around[side] >= 0)
            return ft__hf_tok_fail(t, FT_ERR_UNSUPPORTED, field,
                                   "expected at most one token of the vocabulary on each side of the text");
        around[side] = id;
    }
    return FT_OK;
}

/* The classes of Llama and Gemma make their post-processor anew, from these settings. */
static void ft__hf_class_override(const ft__hf_tok *t, int64_t bos, int64_t eos, int64_t around[2]) {
    static const char *const classes[] = {"LlamaTokenizer", "LlamaTokenizerFast", "GemmaTokenizer",
                                          "GemmaTokenizerFast", "CodeLlamaTokenizer", "CodeLlamaTokenizerFast"};
    const ft__json *name = ft__hf_get(t->settings, "tokenizer_class");
    for (size_t i = 0; i < FT__COUNT(classes); i++) {
        if (!ft__hf_is(name, classes[i])) continue;
        if (ft__hf_get(t->settings, "add_bos_token"))
            around[0] = ft__hf_true(t->settings, "add_bos_token", false) ? bos : -1;
        if (ft__hf_get(t->settings, "add_eos_token"))
            around[1] = ft__hf_true(t->settings, "add_eos_token", false) ? eos : -1;
    }
}

static ft_status ft__hf_put_specials(ft__hf_tok *t) {
    static const char *const others[][2] = {{"pad", "tokenizer.ggml.padding_token_id"},
                                            {"sep", "tokenizer.ggml.seperator_token_id"},
                                            {"mask", "tokenizer.ggml.mask_token_id"}};
    ft__gguf *g = t->h->g;
    int64_t bos, eos, id, around[2] = {-1, -1};
    ft_status status = ft__hf_special(t, "bos", true, &bos);
    if (!status) status = ft__hf_special(t, "eos", true, &eos);
    if (!status) status = ft__hf_read_post(t, ft__hf_get(t->file, "post_processor"), around);
    if (status) return status;
    ft__hf_class_override(t, bos, eos, around);
    if (around[0] >= 0) bos = around[0]; /* what is put before a text is what GGUF calls BOS */
    if (around[1] >= 0 && eos >= 0 && around[1] != eos)
        return ft__hf_tok_fail(t, FT_ERR_UNSUPPORTED, "post_processor", "ends texts with a token that is not EOS");
    if (around[1] >= 0) eos = around[1];
    ft__gguf_make_u32(g, "tokenizer.ggml.bos_token_id", bos < 0 ? UINT32_MAX : (uint32_t)bos);
    ft__gguf_make_u32(g, "tokenizer.ggml.eos_token_id", eos < 0 ? UINT32_MAX : (uint32_t)eos);
    ft__gguf_make_bool(g, "tokenizer.ggml.add_bos_token", around[0] >= 0);
    ft__gguf_make_bool(g, "tokenizer.ggml.add_eos_token", around[1] >= 0);
    for (size_t i = 0; i < FT__COUNT(others) && !status; i++) {
        status = ft__hf_special(t, others[i][0], false, &id);
        if (!status && id >= 0) ft__gguf_make_u32(g, others[i][1], (uint32_t)id);
    }
    return status ? status : ft__hf_put_ends(t->h, eos, t->n);
}

/* Phi-3's special tokens swallow the white space after them, all but three.  GGUF has no key for that: the
   model's name says it, so it must say so here, and must not where it is not so. */
static ft_status ft__hf_name_phi3(ft__hf_tok *t) {
    static const char *const keep[] = {"<unk>", "<s>", "<|endoftext|>"};
    bool any = false;
    for (size_t i = 0; i < t->n; i++) any = any || t->added[i] == 2;
    for (size_t i = 0; i < t->n && any; i++) {
        bool kept = false;
        for (size_t k = 0; k < FT__COUNT(keep); k++)
            kept = kept || ft__text_equal(t->tokens[i].data, t->tokens[i].len, keep[k], strlen(keep[k]));
        if (t->added[i] && kept == (t->added[i] == 2))
            return ft__hf_tok_fail(t, FT_ERR_UNSUPPORTED, "added_tokens",
                                   "rstrip of \"%.80s\": this version has rstrip as Phi-3 has it, or nowhere",
                                   t->tokens[i].data);
    }
    char *name = ft__arena_printf(&t->h->arena, "%s%s", t->h->name, any ? " (phi-3)" : "");
    if (!name) return ft__fail_memory(t->h->err);
    t->h->name = name;
    for (; *name && !any; name++) {
        const bool phi = (name[0] | 32) == 'p' && (name[1] | 32) == 'h' && (name[2] | 32) == 'i';
        if (phi && (name[3] == '3' || (name[3] == '-' && name[4] == '3'))) *name = '_';
    }
    return FT_OK;
}

/* ---- chat templates */

static ft_status ft__hf_put_template(ft__hf *h, const ft__json *value) {
    static const char key[] = "tokenizer.chat_template";
    if (!value) return FT_OK;
    if (value->type == FT__JSON_STRING) {
        ft__gguf_make_string(h->g, key, value->text, value->text_len);
        return FT_OK;
    }
    static const char expected[] = "must be a string, or a list of objects with name and template";
    if (value->type != FT__JSON_ARRAY)
        return ft__hf_fail(h, FT_ERR_FORMAT, "tokenizer_config.json", "chat_template", "%s", expected);
    for (const ft__json *v = value->child; v; v = v->next) {
        const ft__json *name = ft__hf_get(v, "name"), *text = ft__hf_get(v, "template");
        if (!name || !text || name->type != FT__JSON_STRING || text->type != FT__JSON_STRING)
            return ft__hf_fail(h, FT_ERR_FORMAT, "tokenizer_config.json", "chat_template", "%s", expected);
        const char *one = strcmp(name->text, "default") == 0
                              ? key
                              : ft__arena_printf(&h->arena, "%s.%.100s", key, name->text);
        if (!one) return ft__fail_memory(h->err);
        ft__gguf_make_string(h->g, one, text->text, text->text_len);
    }
    return FT_OK;
}

/* The newest place first: a file of its own, tokenizer_config.json, chat_template.json. */
static ft_status ft__hf_read_template(ft__hf *h, const ft__json *settings) {
    const ft__json *file = NULL, *value = ft__hf_get(settings, "chat_template");
    char *text;
    size_t n;
    ft_status status = ft__hf_text(h, "chat_template.jinja", &text, &n);
    if (!status && text) ft__gguf_make_string(h->g, "tokenizer.chat_template", text, n);
    if (status || text) return status;
    if (!value) {
        status = ft__hf_json(h, "chat_template.json", &file);
        value = ft__hf_get(file, "chat_template");
    }
    return status ? status : ft__hf_put_template(h, value);
}

/* ---- all of it */

static ft_status ft__hf_check_model(ft__hf_tok *t) {
    static const char *const affixes[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    const char *type = ft__hf_type(t->model);
    if (!t->model || (type[0] && strcmp(type, "BPE") != 0))
        return ft__hf_tok_fail(t, FT_ERR_UNSUPPORTED, "model.type", "found \"%.40s\", this version has BPE", type);
    for (size_t i = 0; i < FT__COUNT(affixes); i++) {
        const ft__json *affix = ft__hf_get(t->model, affixes[i]);
        if (affix && !ft__hf_is(affix, ""))
            return ft__hf_tok_fail(t, FT_ERR_UNSUPPORTED, "model", "%s is not in this version", affixes[i]);
    }
    return FT_OK;
}

static ft_status ft__hf_read_tokenizer(ft__hf_tok *t) {
    const ft__json *added = ft__hf_get(t->file, "added_tokens");
    ft_status status;
    t->model = ft__hf_get(t->file, "model");
    if ((status = ft__hf_check_model(t)) || (status = ft__hf_read_vocab(t))) return status;
    for (const ft__json *v = added ? added->child : NULL; v && !status; v = v->next)
        status = ft__hf_read_added(t, v);
    if (!status) status = ft__hf_fill_holes(t);
    if (!status) status = ft__hf_read_normalizer(t, ft__hf_get(t->file, "normalizer"));
    if (!status) status = ft__hf_read_pretok(t, ft__hf_get(t->file, "pre_tokenizer"));
    if (status) return status;
    if (!t->byte_level && !t->blanks)
        return ft__hf_tok_fail(t, FT_ERR_UNSUPPORTED, "pre_tokenizer",
                               "neither ByteLevel nor blanks that become U+2581");
    status = t->byte_level ? ft__hf_put_byte_level(t) : ft__hf_put_sentencepiece(t);
    if (!status) status = ft__hf_put_specials(t);
    if (!status) status = ft__hf_name_phi3(t);
    for (size_t i = 0; i < t->n && !status && t->blanks; i++)
        if (t->types[i] == FT__HF_USER) status = ft__hf_unblank(t, &t->tokens[i]);
    if (status) return status;
    ft__gguf_make_strings(t->h->g, "tokenizer.ggml.tokens", t->tokens, t->n);
    ft__gguf_make_array(t->h->g, "tokenizer.ggml.token_type", FT__GGUF_I32, t->types, t->n);
    return FT_OK;
}

/* A folder without tokenizer.json is a model that takes ids. */
static ft_status ft__hf_put_ids(ft__hf *h, uint64_t n_vocab) {
    const int64_t bos = ft__hf_config_id(h, "bos_token_id"), eos = ft__hf_config_id(h, "eos_token_id");
    if (bos >= 0 && (uint64_t)bos < n_vocab)
        ft__gguf_make_u32(h->g, "tokenizer.ggml.bos_token_id", (uint32_t)bos);
    if (eos >= 0 && (uint64_t)eos < n_vocab)
        ft__gguf_make_u32(h->g, "tokenizer.ggml.eos_token_id", (uint32_t)eos);
    return ft__hf_put_ends(h, eos, n_vocab);
}

FT__PRIV ft_status ft__hf_tokenizer(ft__hf *h, uint64_t n_vocab) {
    ft__hf_tok t;
    memset(&t, 0, sizeof t);
    t.h = h;
    t.n = (size_t)n_vocab;
    ft__buf_init(&t.steps, &h->arena.allocator);
    ft_status status = ft__hf_json(h, ft__hf_tok_file, &t.file);
    if (!status) status = ft__hf_json(h, "tokenizer_config.json", &t.settings);
    if (!status) status = t.file ? ft__hf_read_tokenizer(&t) : ft__hf_put_ids(h, n_vocab);
    if (!status) status = ft__hf_read_template(h, t.settings);
    ft__buf_free(&t.steps);
    return status;
}

#undef FT__HF_BLANK
#undef FT__HF_C
#undef FT__HF_GPT2
#undef FT__HF_SPACE
#undef FT__HF_LEAD
#undef FT__HF_UPPER
#undef FT__HF_LOWER
#undef FT__HF_CASED
#undef FT__HF_SYMBOLS
#undef FT__HF_DEEPSEEK_CJK
