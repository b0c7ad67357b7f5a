/* WordPiece, the tokenizer of BERT and the embedding models after it ("bert").  A text loses its
   controls, accents and capitals; white space, punctuation and ideographs divide it into words; a word
   is spelled by the longest tokens from the left, or is unknown as a whole.  Files spell the beginning
   of a word with U+2581.  There is no way back to the same text.  (Hugging Face gives up on words of
   more than 100 characters; the engines that read GGUF files, and this one, do not.) */
#include "text.h"

/* Characters that are words of their own. */
static bool ft__wpm_stands_alone(uint32_t c, ft__char_class cc) {
    static const uint32_t ideographs[][2] = {
        {0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xF900, 0xFAFF}, {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F},
        {0x2B740, 0x2B81F}, {0x2B820, 0x2CEAF}, {0x2F800, 0x2FA1F}};
    if (cc == FT__UNICODE_P || (cc == FT__UNICODE_S && c < 0x80)) return true;
    for (size_t i = 0; i < FT__COUNT(ideographs); i++)
        if (c >= ideographs[i][0] && c <= ideographs[i][1]) return true;
    return false;
}

/* The longest token at text[at], or -1. */
static int32_t ft__wpm_longest(const ft__vocab *v, const char *text, size_t at, size_t n, size_t *len) {
    uint64_t hash = 0, power;
    int32_t longest = -1;
    ft__tok_hash("", 0, &hash, &power);
    for (size_t k = 1; at + k <= n && k <= v->longest; k++) {
        uint64_t byte, byte_power;
        ft__tok_hash(text + at + k - 1, 1, &byte, &byte_power);
        hash = ft__tok_hash_join(hash, byte, byte_power);
        int32_t id = ft__tok_find(v, text + at, k, hash);
        if (id >= 0) longest = id, *len = k;
    }
    return longest;
}

/* Appends the ids of the word in w->normal and empties it; false if out of memory. */
static bool ft__wpm_finish(const ft__vocab *v, ft__tok_work *w, size_t *n_chars) {
    size_t n = w->normal.len, first = w->n_ids, len = 0;
    bool known = true;
    if (w->normal.failed) return false;
    for (size_t at = 0; at < n && known; at += len) {
        int32_t id = ft__wpm_longest(v, w->normal.data, at, n, &len);
        known = id >= 0;
        if (known && !ft__tok_push(w, id)) return false;
    }
    w->normal.len = 0;
    *n_chars = 0;
    if (known) return true;
    w->n_ids = first;
    return ft__tok_push(w, v->unk);
}

FT__PRIV ft_status ft__wpm_tokenize(const ft__vocab *v, ft__tok_work *w, const char *text, size_t n,
                                    ft_error *err) {
    const char *p = text, *end = text + n;
    size_t n_chars = 0;
    while (p < end) {
        uint32_t c = ft__utf8_next(&p, end), parts[4];
        ft__char_class cc = ft__char_class_of(c);
        bool space = (FT__CLASS_BIT(cc) & FT__CLASS_SPACE) != 0;
        if (!space && (cc == FT__UNICODE_C || c == 0xFFFD)) continue; /* and what is no UTF-8 */
        bool alone = !space && ft__wpm_stands_alone(c, cc);
        int n_parts = space ? 0 : ft__decompose(v->normal, c, parts);
        if ((space || alone) && n_chars && !ft__wpm_finish(v, w, &n_chars)) return ft__fail_memory(err);
        for (int i = 0; i < n_parts; i++) {
            char bytes[4];
            if (ft__is_nonspacing(parts[i])) continue;
            if (!n_chars++) ft__buf_text(&w->normal, "\xE2\x96\x81");
            ft__buf_add(&w->normal, bytes, (size_t)ft__utf8_encode(ft__lower_char(parts[i]), bytes));
        }
        if (alone && n_chars && !ft__wpm_finish(v, w, &n_chars)) return ft__fail_memory(err);
    }
    return !n_chars || ft__wpm_finish(v, w, &n_chars) ? FT_OK : ft__fail_memory(err);
}

FT__PRIV ft_status ft__wpm_prepare(ft__vocab *v, const ft__vocab_parts *parts, ft_error *err) {
    if (v->unk < 0)
        return ft__tok_bad_part(parts, "unknown_token_id", err, " is missing, the tokenizer %s needs it",
                                v->model);
    v->normal = ft__normal_create(&v->arena);
    return v->normal ? FT_OK : ft__fail_memory(err);
}
