/* Texts as machine translation metrics see them: cut into tokens, and these numbered.

   The tokenizers are those of sacreBLEU 2.6.0: "none", "char", "13a" (mteval-v13a of NIST), "intl"
   (mteval-v14), that of TER (tercom), and the words of chrF++.  They are defined by regular
   expressions that insert blanks, several passes one after the other; a match does not overlap the
   one before it.  Seen from the result, blanks depend only on where a run of punctuation begins and
   ends, so that one walk over the text gives the same tokens: each character has a class,

     s  white space          w  part of a word
     n  digit                a  always a token by itself
     r  punctuation that stays inside of numbers: . and , (13a, TER), or all of P* (intl)
     d  the dash of 13a and TER: a token by itself after a digit, else part of a word

   and a run of r is cut as ft__mt_run tells.  Tokens are then parts of the text as it was given; it
   is copied only where something is deleted or replaced in it first.

   Classes of characters are those of our Unicode tables (15.0).  For a program with older or newer
   ones, characters that only one of the two knows may be cut differently. */
#include "eval.h"

typedef struct ft__mt_rules {
    const char *ascii;  /* classes */
    bool intl;          /* beyond ASCII: by general category */
    bool ends_number;   /* the ends of the text count as digits, else as white space */
    bool possessive;    /* 's at the end of a word is cut off */
    bool cjk;           /* CJK characters stand alone */
    bool no_punct;      /* some punctuation is deleted */
    bool no_cjk_punct;  /* and some more */
    bool cut_mark;      /* ASCII punctuation at a word's end, or else beginning, is cut off once */
} ft__mt_rules;

#define FT__MT_CONTROLS "wwwwwwwwwsssss" "wwwwwwwwwwwwww" "ssss"
#define FT__MT_LETTERS "wwwwwwwwwwwwwwwwwwwwwwwwww"
static const char ft__mt_ascii_none[] = FT__MT_CONTROLS "swwwwwwwwwwwwwww" "wwwwwwwwwwwwwwww"
    "w" FT__MT_LETTERS "wwwww" "w" FT__MT_LETTERS "wwwww";
static const char ft__mt_ascii_13a[] = FT__MT_CONTROLS "saaaaaawaaaardra" "nnnnnnnnnnaaaaaa"
    "a" FT__MT_LETTERS "aaaaa" "a" FT__MT_LETTERS "aaaaw";
static const char ft__mt_ascii_intl[] = FT__MT_CONTROLS "srrrarrrrrrarrrr" "nnnnnnnnnnrraaar"
    "r" FT__MT_LETTERS "rrrar" "a" FT__MT_LETTERS "raraw";
#undef FT__MT_CONTROLS
#undef FT__MT_LETTERS

/* ---- a list of texts */

FT__PRIV void ft__mt_init(ft__mt_texts *t, const ft_allocator *a) {
    memset(t, 0, sizeof *t);
    ft__arena_init(&t->arena, a);
    ft__interner_init(&t->words, a);
}

FT__PRIV void ft__mt_free(ft__mt_texts *t) {
    ft__free(&t->arena.allocator, t->ids);
    ft__free(&t->arena.allocator, t->ends);
    ft__interner_free(&t->words);
    ft__arena_free(&t->arena);
}

FT__PRIV bool ft__mt_ok(const ft__mt_texts *t) {
    return !t->failed && !t->words.failed && !t->arena.failed && t->n_ids < UINT32_MAX;
}

static void ft__mt_token(ft__mt_texts *t, ft__view token) {
    unsigned char byte = (unsigned char)token.text[0];
    bool one = token.n == 1 && byte < 0x80;
    if (t->n_ids == t->cap_ids &&
        !ft__grow(&t->arena.allocator, (void **)&t->ids, &t->cap_ids, t->n_ids + 1,
                  sizeof *t->ids)) {
        t->failed = true;
        return;
    }
    uint32_t id = one ? t->ascii[byte] : 0;
    if (!id) {
        id = ft__interner_id(&t->words, token) + 1;
        if (one) t->ascii[byte] = id;
    }
    t->ids[t->n_ids++] = id;
}

static void ft__mt_end(ft__mt_texts *t) {
    if (ft__grow(&t->arena.allocator, (void **)&t->ends, &t->cap, t->n + 1, sizeof *t->ends))
        t->ends[t->n++] = t->n_ids;
    else t->failed = true;
}

FT__PRIV const uint32_t *ft__mt_ids(const ft__mt_texts *t, size_t index, size_t *n) {
    size_t begin = index ? t->ends[index - 1] : 0;
    *n = t->ends[index] - begin;
    return t->ids + begin;
}

/* ---- classes */

/* White space beyond ASCII begins with one of four bytes, of which none continues a character. */
static bool ft__mt_may_be_space(unsigned char byte) {
    return byte == 0xC2 || (byte >= 0xE1 && byte <= 0xE3);
}

typedef struct ft__mt_range {
    uint32_t first, last;
} ft__mt_range;

static bool ft__mt_in(uint32_t c, const ft__mt_range *ranges, size_t n) {
    size_t i = 0;
    while (i < n && (c < ranges[i].first || c > ranges[i].last)) i++;
    return i < n;
}

static bool ft__mt_is_cjk_punct(uint32_t c) {
    static const ft__mt_range ranges[] = {
        {0x3001, 0x3002}, {0x3008, 0x3011}, {0x3014, 0x301F}, {0xFF61, 0xFF65}, {0x30FB, 0x30FB},
        {0xFF01, 0xFF02}, {0xFF08, 0xFF09}, {0xFF0C, 0xFF0C}, {0xFF0E, 0xFF0E}, {0xFF1A, 0xFF1B},
        {0xFF1F, 0xFF1F}};
    return ft__mt_in(c, ranges, FT__COUNT(ranges));
}

/* U+3200..3F22 is what the program has, in place of 3200..32FF.  Its rules for kana never cut
   anything: they are tied to the beginning of a line that begins with a blank. */
static bool ft__mt_is_cjk(uint32_t c) {
    static const ft__mt_range ranges[] = {
        {0x4E00, 0x9FFF}, {0x3400, 0x4DBF}, {0x31C0, 0x31EF}, {0x2E80, 0x2EFF}, {0x3200, 0x3F22},
        {0xF900, 0xFAFF}, {0xFE30, 0xFE4F}};
    return ft__mt_in(c, ranges, FT__COUNT(ranges));
}

static char ft__mt_wide(const ft__mt_rules *r, const char **p, const char *end) {
    if (!r->intl && !r->cjk && !ft__mt_may_be_space((unsigned char)**p)) {
        (*p)++; /* any byte of a character will do as part of a word */
        return 'w';
    }
    uint32_t c = ft__utf8_next(p, end);
    unsigned bit = FT__CLASS_BIT(ft__char_class_of(c));
    if (bit & FT__CLASS_SPACE) return 's';
    if (r->cjk && (ft__mt_is_cjk(c) || ft__mt_is_cjk_punct(c))) return 'a';
    if (!r->intl) return 'w';
    return bit & FT__CLASS_N                     ? 'n'
           : bit & FT__CLASS_BIT(FT__UNICODE_P) ? 'r'
           : bit & FT__CLASS_BIT(FT__UNICODE_S) ? 'a'
                                                : 'w';
}

static char ft__mt_class(const ft__mt_rules *r, const char **p, const char *end) {
    unsigned char c = (unsigned char)**p;
    if (c >= 0x80) return ft__mt_wide(r, p, end);
    (*p)++;
    return r->ascii[c];
}

/* ---- from text to tokens */

/* A token without the punctuation that TER may delete. */
static void ft__mt_emit_bare(ft__mt_texts *t, const ft__mt_rules *r, ft__view token) {
    const char *p = token.text, *end = p + token.n, *from = p;
    char *copy = ft__arena_text(&t->arena, token.text, token.n);
    size_t n = 0;
    for (; copy && p < end; from = p) {
        uint32_t c = ft__utf8_next(&p, end);
        if ((c && c < 0x80 && strchr(".,?:;!\"()", (int)c)) ||
            (r->no_cjk_punct && ft__mt_is_cjk_punct(c)))
            continue;
        memcpy(copy + n, from, (size_t)(p - from));
        n += (size_t)(p - from);
    }
    token.text = copy;
    token.n = n;
    if (copy && n) ft__mt_token(t, token);
}

static void ft__mt_emit(ft__mt_texts *t, const ft__mt_rules *r, const char *begin,
                        const char *end) {
    ft__view token = {begin, (size_t)(end - begin)};
    if (r->no_punct) ft__mt_emit_bare(t, r, token);
    else if (token.n) ft__mt_token(t, token);
}

static bool ft__mt_is_mark(char c) {
    char kind = (unsigned char)c < 0x80 ? ft__mt_ascii_intl[(unsigned char)c] : 'w';
    return kind == 'r' || kind == 'a';
}

/* The word from begin to end, which is there because of what comes at end (NULL: the text's end).
   The program looks for 's and one blank; line ends and ASCII punctuation have become such. */
static void ft__mt_emit_word(ft__mt_texts *t, const ft__mt_rules *r, const char *begin,
                             const char *end, const char *next) {
    bool blank = !next || *next == '\n' || *next == ' ' ||
                 ((unsigned char)*next < 0x80 && r->ascii[(unsigned char)*next] == 'a');
    if (r->possessive && blank && end - begin > 2 && end[-2] == '\'' && end[-1] == 's') {
        ft__mt_emit(t, r, begin, end - 2);
        begin = end - 2;
    }
    if (r->cut_mark && end - begin > 1 && (ft__mt_is_mark(end[-1]) || ft__mt_is_mark(*begin))) {
        const char *cut = ft__mt_is_mark(end[-1]) ? end - 1 : begin + 1;
        ft__mt_emit(t, r, begin, cut);
        begin = cut;
    }
    ft__mt_emit(t, r, begin, end);
}

/* A run of r, the first of which ended at `p`.  The first pass takes (not a digit)(r) in pairs
   from the left, so a run after a digit is paired from its own first character, any other with
   what is before it; the second takes (r)(not a digit).  Together they separate everything except
   a last character that found no partner and stands before a digit; and that one is cut off on
   its left unless it is the whole run.  Returns the end of the run; *word is NULL or where a word
   goes on. */
static const char *ft__mt_run(ft__mt_texts *t, const ft__mt_rules *r, const char *begin,
                              const char *p, const char *end, char before, const char **word) {
    const char *last = begin, *stop = p, *next = p;
    size_t length = 1;
    char after = r->ends_number ? 'n' : 's';
    while (next < end && (after = ft__mt_class(r, &next, end)) == 'r') {
        last = stop;
        stop = next;
        length++;
        after = r->ends_number ? 'n' : 's';
    }
    bool joined = (before == 'n') == (length % 2 == 1) && after == 'n';
    if (joined && length == 1) {
        if (!*word) *word = begin;
        return stop;
    }
    if (*word) ft__mt_emit(t, r, *word, begin);
    *word = NULL;
    for (p = begin; p < stop; begin = p) {
        ft__mt_class(r, &p, end);
        if (joined && begin == last) *word = last;
        else ft__mt_emit(t, r, begin, p);
    }
    return stop;
}

static void ft__mt_scan(ft__mt_texts *t, const ft__mt_rules *r, ft__view text) {
    const char *end = text.text + text.n, *word = NULL;
    char before = r->ends_number ? 'n' : 's', c;
    for (const char *p = text.text, *at = p; p < end; at = p, before = c) {
        c = ft__mt_class(r, &p, end);
        if (c == 's' || c == 'a') {
            if (word) ft__mt_emit_word(t, r, word, at, at);
            word = NULL;
            if (c == 'a') ft__mt_emit(t, r, at, p);
        } else if (c == 'r') {
            p = ft__mt_run(t, r, at, p, end, before, &word);
        } else if (c == 'd' && before == 'n') {
            if (word) ft__mt_emit(t, r, word, at);
            word = NULL;
            ft__mt_emit(t, r, at, p);
        } else if (!word) word = at;
    }
    if (word) ft__mt_emit_word(t, r, word, end, NULL);
}

/* ---- what happens to a text before */

FT__PRIV ft__view ft__mt_lower(ft__mt_texts *t, ft__view v) {
    ft__buf low;
    char *copy = NULL;
    bool ascii = true;
    for (size_t i = 0; i < v.n; i++) ascii &= (unsigned char)v.text[i] < 0x80;
    if (ascii && (copy = ft__arena_text(&t->arena, v.text, v.n)) != NULL)
        for (size_t i = 0; i < v.n; i++)
            copy[i] = (char)(copy[i] + (copy[i] >= 'A' && copy[i] <= 'Z' ? 32 : 0));
    if (!ascii) {
        ft__buf_init(&low, &t->arena.allocator);
        ft__lower(v.text, v.n, &low);
        copy = low.failed ? NULL : ft__arena_text(&t->arena, low.data, low.len);
        v.n = low.len;
        ft__buf_free(&low);
    }
    if (!copy) t->failed = true, v.n = 0;
    v.text = copy ? copy : "";
    return v;
}

static ft__view ft__mt_strip_end(ft__view v) {
    ft__view bare = ft__text_strip(v);
    v.n = bare.n ? (size_t)(bare.text - v.text) + bare.n : 0;
    return v;
}

/* In place, from left to right; `to` is no longer than `from`. */
static size_t ft__mt_replace(char *text, size_t n, const char *from, const char *to) {
    size_t n_from = strlen(from), n_to = strlen(to), out = 0, i = 0;
    while (i < n) {
        const char *hit = (const char *)memchr(text + i, from[0], n - i);
        size_t skip = hit ? (size_t)(hit - (text + i)) : n - i;
        if (out != i) memmove(text + out, text + i, skip);
        out += skip;
        i += skip;
        if (n - i >= n_from && memcmp(text + i, from, n_from) == 0) {
            memcpy(text + out, to, n_to);
            out += n_to;
            i += n_from;
        } else if (i < n) text[out++] = text[i++];
    }
    return out;
}

/* Line ends become blanks; but to us both are white space. */
static ft__view ft__mt_unescape(ft__mt_texts *t, ft__view v, const char *const *gone) {
    static const char *const entities[] = {"&quot;", "\"", "&amp;", "&", "&lt;", "<", "&gt;", ">"};
    if (!memchr(v.text, '&', v.n) && !memchr(v.text, '<', v.n) && !memchr(v.text, '\n', v.n))
        return v;
    char *copy = ft__arena_text(&t->arena, v.text, v.n);
    if (!copy) return v;
    for (; *gone; gone++) v.n = ft__mt_replace(copy, v.n, *gone, "");
    for (size_t i = 0; i < FT__COUNT(entities); i += 2)
        v.n = ft__mt_replace(copy, v.n, entities[i], entities[i + 1]);
    v.text = copy;
    return v;
}

FT__PRIV void ft__mt_add_chars(ft__mt_texts *t, ft__view v, bool white_space) {
    const char *p = v.text, *end = p + v.n;
    while (p < end) {
        ft__view token = {p, 1};
        unsigned char byte = (unsigned char)*p;
        bool space = byte < 0x80 && ft__mt_ascii_none[byte] == 's';
        if (byte < 0x80) p++;
        else {
            uint32_t c = ft__utf8_next(&p, end);
            token.n = (size_t)(p - token.text);
            space = ft__mt_may_be_space(byte) && ft__is_space(c);
        }
        if (white_space || !space) ft__mt_token(t, token);
    }
    ft__mt_end(t);
}

FT__PRIV void ft__mt_add(ft__mt_texts *t, ft__view v, ft__mt_tokenizer tokenizer, bool lowercase) {
    static const ft__mt_rules rules[] = { /* in the order of ft__mt_tokenizer */
        {ft__mt_ascii_none, false, false, false, false, false, false, false},
        {NULL, false, false, false, false, false, false, false},
        {ft__mt_ascii_13a, false, false, false, false, false, false, false},
        {ft__mt_ascii_intl, true, true, false, false, false, false, false},
        {ft__mt_ascii_none, false, false, false, false, false, false, true}};
    static const char *const gone[] = {"<skipped>", "-\n", NULL};
    if (lowercase) v = ft__mt_lower(t, v);
    v = ft__mt_strip_end(v);
    if (tokenizer == FT__MT_CHAR) {
        ft__mt_add_chars(t, v, false);
        return;
    }
    if (tokenizer == FT__MT_13A) v = ft__mt_unescape(t, v, gone);
    ft__mt_scan(t, &rules[tokenizer], v);
    ft__mt_end(t);
}

FT__PRIV void ft__mt_add_ter(ft__mt_texts *t, ft__view v, unsigned flags) {
    static const char *const gone[] = {"\n-", NULL};
    bool normalized = (flags & FT__TER_NORMALIZED) != 0, asian = (flags & FT__TER_ASIAN) != 0;
    ft__mt_rules rules = {normalized ? ft__mt_ascii_13a : ft__mt_ascii_none, false, false,
                          normalized, normalized && asian, (flags & FT__TER_NO_PUNCT) != 0, asian,
                          false};
    if (!(flags & FT__TER_CASE)) v = ft__mt_lower(t, v);
    v = ft__mt_strip_end(v);
    if (normalized) v = ft__mt_unescape(t, v, gone);
    ft__mt_scan(t, &rules, v);
    ft__mt_end(t);
}

static void ft__mt_join(const ft__mt_texts *t, size_t index, ft__buf *out) {
    size_t n;
    const uint32_t *ids = ft__mt_ids(t, index, &n);
    for (size_t i = 0; i < n; i++) {
        if (i) ft__buf_byte(out, ' ');
        ft__buf_add(out, t->words.texts[ids[i] - 1].text, t->words.texts[ids[i] - 1].n);
    }
}

/* The program tokenizes references twice, and the second time finds, for one, that the 's of
   "Ann's," is followed by a blank now.  Only "normalized" is not idempotent. */
FT__PRIV void ft__mt_add_ter_reference(ft__mt_texts *t, ft__view v, unsigned flags) {
    ft__buf joined;
    ft__mt_add_ter(t, v, flags);
    if (!(flags & FT__TER_NORMALIZED) || !ft__mt_ok(t)) return;
    ft__buf_init(&joined, &t->arena.allocator);
    ft__mt_join(t, t->n - 1, &joined);
    v = ft__buf_keep(&joined, &t->arena);
    if (joined.failed) t->failed = true;
    ft__buf_free(&joined);
    t->n--;
    t->n_ids = t->n ? t->ends[t->n - 1] : 0;
    if (v.text) ft__mt_add_ter(t, v, flags);
    else ft__mt_end(t);
}

/* ---- metrics */

FT__PRIV ft_status ft__mt_segments_find(const ft__metric_call *call, bool corpus,
                                        ft__mt_segments *s) {
    memset(s, 0, sizeof *s);
    s->call = call;
    s->left = 1;
    ft_status status = ft__metric_input(call, corpus ? "predictions" : "prediction",
                                        corpus ? FT__JSON_ARRAY : FT__JSON_STRING, &s->outputs);
    if (!status) status = ft__metric_input(call, "references", FT__JSON_ARRAY, &s->references);
    if (status || !corpus) return status;
    s->left = s->outputs->count;
    if (s->left == 0) return ft__metric_fail(call, "there are no predictions");
    if (s->references->count != s->left)
        return ft__metric_fail(call, "%zu predictions, but %zu lists of references", s->left,
                               s->references->count);
    s->outputs = s->outputs->child;
    s->references = s->references->child;
    return FT_OK;
}

FT__PRIV ft_status ft__mt_segments_next(ft__mt_segments *s) {
    ft_status status = ft__metric_read_texts(s->call, s->references, "\"references\"", &s->refs,
                                             &s->n_refs);
    if (status) return status;
    if (s->n_refs == 0) return ft__metric_fail(s->call, "there are no references");
    if (s->outputs->type != FT__JSON_STRING)
        return ft__metric_fail(s->call, "\"predictions\" must be a list of texts, found %s",
                               ft__json_type_name(s->outputs->type));
    s->output = ft__json_view(s->outputs);
    if (--s->left) s->outputs = s->outputs->next, s->references = s->references->next;
    return FT_OK;
}

static void ft__mt_write_tokens(const ft__metric_call *call, const ft__mt_texts *t,
                                ft__view tokenized) {
    size_t n;
    const uint32_t *ids = ft__mt_ids(t, 0, &n);
    ft__json_begin(call->out, '{');
    ft__json_key(call->out, "tokenized");
    ft__json_string(call->out, tokenized.text, tokenized.n);
    ft__json_key(call->out, "tokens");
    ft__json_begin(call->out, '[');
    for (size_t i = 0; i < n; i++)
        ft__json_string(call->out, t->words.texts[ids[i] - 1].text, t->words.texts[ids[i] - 1].n);
    ft__json_end(call->out, ']');
    ft__json_end(call->out, '}');
}

/* Writes the tokens of text 0, and of the last one, joined, as the text that the program gives;
   `untouched` is that text where it is given. */
static ft_status ft__mt_answer(const ft__metric_call *call, const ft__mt_texts *t,
                               const ft__view *untouched) {
    ft__buf joined;
    if (!ft__mt_ok(t)) return ft__fail_memory(call->err);
    ft__buf_init(&joined, &call->arena->allocator);
    if (!untouched) ft__mt_join(t, t->n - 1, &joined);
    bool failed = joined.failed;
    ft__mt_write_tokens(call, t, untouched ? *untouched : ft__buf_view(&joined));
    ft__buf_free(&joined);
    return failed ? ft__fail_memory(call->err) : FT_OK;
}

/* "tokenized" is what the program's tokenizer gives: with "none" the text, with "char" its
   characters and among them the blanks. */
static ft_status ft__mt_run_sacrebleu(const ft__metric_call *call) {
    static const char *const names[] = FT__MT_TOKENIZERS;
    int tokenizer = FT__MT_13A;
    ft__view text;
    ft__mt_texts t;
    ft_status status = ft__metric_text(call, "text", &text);
    if (!status)
        status = ft__metric_word(call, "tokenize", names, FT__COUNT(names), &tokenizer);
    if (status) return status;
    text = ft__mt_strip_end(text);
    ft__mt_init(&t, &call->arena->allocator);
    ft__mt_add(&t, text, (ft__mt_tokenizer)tokenizer, false);
    if (tokenizer == FT__MT_CHAR) ft__mt_add_chars(&t, text, true);
    status = ft__mt_answer(call, &t, tokenizer == FT__MT_NONE ? &text : NULL);
    ft__mt_free(&t);
    return status;
}

FT__PRIV ft_status ft__ter_flags(const ft__metric_call *call, unsigned *flags) {
    static const char *const names[] = FT__TER_FLAGS;
    ft_status status = FT_OK;
    *flags = 0;
    for (unsigned i = 0; i < FT__COUNT(names) && !status; i++) {
        bool on = false;
        status = ft__metric_flag(call, names[i], &on);
        if (on) *flags |= 1u << i;
    }
    return status;
}

static ft_status ft__mt_run_ter(const ft__metric_call *call) {
    unsigned flags;
    ft__view text;
    ft__mt_texts t;
    ft_status status = ft__metric_text(call, "text", &text);
    if (!status) status = ft__ter_flags(call, &flags);
    if (status) return status;
    ft__mt_init(&t, &call->arena->allocator);
    ft__mt_add_ter(&t, text, flags);
    status = ft__mt_answer(call, &t, NULL);
    ft__mt_free(&t);
    return status;
}

FT__PRIV const ft__metric_kind *ft__mt_tokens_metrics(size_t *n) {
    static const ft__metric_kind kinds[] = {
        {"tokenize_sacrebleu", 0, ft__mt_run_sacrebleu},
        {"tokenize_ter", 0, ft__mt_run_ter},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
