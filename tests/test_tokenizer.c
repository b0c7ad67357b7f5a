/* Tokenizers: small vocabularies of our own, a straight rescan of the text as the second opinion,
   files that are wrong, and the reference sets in ../shared. */
#include "test.h"
#include "tiny.h"
#include "../src/text/text.h"

#define BLANK "\xE2\x96\x81"

/* ---- a vocabulary file, and a loaded one */

typedef struct vocab_file {
    const char *model;          /* NULL: "llama"; "": no key */
    const char *name;           /* general.name */
    const char *const *tokens;
    const float *scores;        /* NULL: none */
    const int32_t *types;       /* NULL: none */
    int n, n_scores, n_types;   /* n_scores, n_types 0: as n */
    int bos, eos, unk, eot;     /* 0: no key; else the id + 1 */
    int add_bos, add_eos, add_space_prefix; /* 0: no key; 1: false; 2: true */
} vocab_file;

static void write_ids(ft__gguf_writer *w, const char *key, int id_and_1) {
    if (id_and_1) ft__gguf_write_u32(w, key, (uint32_t)(id_and_1 - 1));
}

static void write_flag(ft__gguf_writer *w, const char *key, int value) {
    if (value) ft__gguf_write_bool(w, key, value == 2);
}

static const char *write_vocab(const vocab_file *f) {
    const char *path = test_path("vocab.gguf");
    const char *model = f->model ? f->model : "llama";
    ft_error err;
    ft__gguf_writer w;
    CHECK_OK(ft__gguf_write_begin(&w, path, NULL, &err), err);
    ft__gguf_write_string(&w, "general.architecture", "llama");
    if (f->name) ft__gguf_write_string(&w, "general.name", f->name);
    if (*model) ft__gguf_write_string(&w, "tokenizer.ggml.model", model);
    if (f->tokens) ft__gguf_write_strings(&w, "tokenizer.ggml.tokens", f->tokens, (size_t)f->n);
    if (f->scores)
        ft__gguf_write_f32s(&w, "tokenizer.ggml.scores", f->scores,
                            (size_t)(f->n_scores ? f->n_scores : f->n));
    if (f->types)
        ft__gguf_write_i32s(&w, "tokenizer.ggml.token_type", f->types,
                            (size_t)(f->n_types ? f->n_types : f->n));
    write_ids(&w, "tokenizer.ggml.bos_token_id", f->bos);
    write_ids(&w, "tokenizer.ggml.eos_token_id", f->eos);
    write_ids(&w, "tokenizer.ggml.unknown_token_id", f->unk);
    write_ids(&w, "tokenizer.ggml.eot_token_id", f->eot);
    write_flag(&w, "tokenizer.ggml.add_bos_token", f->add_bos);
    write_flag(&w, "tokenizer.ggml.add_eos_token", f->add_eos);
    write_flag(&w, "tokenizer.ggml.add_space_prefix", f->add_space_prefix);
    CHECK_OK(ft__gguf_write_end(&w, &err), err);
    return path;
}

typedef struct loaded {
    ft__gguf g;
    ft__vocab *v;
} loaded;

static bool load(loaded *l, const char *path) {
    ft_error err;
    l->v = NULL;
    if (!CHECK_OK(ft__gguf_open(&l->g, path, NULL, &err), err)) return false;
    if (CHECK_OK(ft__vocab_load(&l->v, &l->g, NULL, &err), err)) return true;
    ft__gguf_close(&l->g);
    return false;
}

static bool load_file(loaded *l, const vocab_file *f) { return load(l, write_vocab(f)); }

static void unload(loaded *l) {
    ft__vocab_free(l->v);
    ft__gguf_close(&l->g);
}

/* Ids as "1 2 3"; static. */
static const char *ids_text(const int32_t *ids, size_t n) {
    static char text[2][4096];
    static int turn;
    char *out = text[turn++ % 2];
    size_t len = 0;
    out[0] = 0;
    for (size_t i = 0; i < n && len < 4000; i++)
        len += (size_t)snprintf(out + len, 4096 - len, i ? " %d" : "%d", (int)ids[i]);
    return out;
}

static const char *tokenized(const ft__vocab *v, const char *text, unsigned flags) {
    static int32_t ids[4096];
    size_t n;
    ft_error err;
    if (!CHECK_OK(ft__vocab_tokenize(v, text, strlen(text), flags, ids, 4096, &n, &err), err))
        return "";
    return ids_text(ids, n);
}

/* Text of ids; ends with -1. */
static const char *text_of(const ft__vocab *v, const int32_t *ids) {
    static char text[2][512];
    static int turn;
    char *out = text[turn++ % 2];
    size_t n = 0, n_ids = 0;
    ft_error err;
    while (ids[n_ids] >= 0) n_ids++;
    CHECK_OK(ft__vocab_detokenize(v, ids, n_ids, out, 511, &n, &err), err);
    out[n] = 0;
    return out;
}

static bool round_trip(const ft__vocab *v, const char *text, size_t n, const int32_t *ids,
                       size_t n_ids) {
    ft_error err;
    size_t got;
    char *out = (char *)malloc(n + 1);
    bool ok = ft__vocab_detokenize(v, ids, n_ids, out, n, &got, &err) == FT_OK && got == n &&
              memcmp(out, text, n) == 0;
    free(out);
    return ok;
}

/* ---- a small vocabulary by hand */

enum { SMALL = 24 };
static const char *const small_tokens[SMALL] = {
    "<unk>", "<s>", "</s>", "<0x41>", "<0xC3>",
    BLANK, "a", "b", "c", "ab", "bc", BLANK "a", "abc", "aa",
    "<u>", "<u>x", "  ", "<c>", "<c>d", "<|end|>", "unused", "", BLANK BLANK, "c",
};
static const float small_scores[SMALL] = {0, 0, 0, 0, 0, -9, -9, -9, -9, -2, -2, -3, -4, -1,
                                          0, 0, 0, 0, 0, 0, 0, 0, -8, -9};
static const int32_t small_types[SMALL] = {2, 3, 3, 6, 6, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                           4, 4, 4, 3, 3, 1, 5, 1, 1, 1};

static vocab_file small_file(void) {
    vocab_file f;
    memset(&f, 0, sizeof f);
    f.tokens = small_tokens;
    f.scores = small_scores;
    f.types = small_types;
    f.n = SMALL;
    return f;
}

TEST(tokenizer, merges_by_score_then_leftmost) {
    vocab_file f = small_file();
    loaded l;
    f.add_space_prefix = 1;
    if (!load_file(&l, &f)) return;
    CHECK_TEXT(tokenized(l.v, "abc", 1), "12");       /* ab and bc tie: the left one, then abc */
    CHECK_TEXT(tokenized(l.v, "bcab", 1), "10 9");
    CHECK_TEXT(tokenized(l.v, "aaa", 1), "13 6");
    CHECK_TEXT(tokenized(l.v, "aab", 1), "13 7");
    CHECK_TEXT(tokenized(l.v, "ac", 1), "6 23");      /* the later of two c */
    CHECK_TEXT(tokenized(l.v, " a", 1), "11");
    CHECK_TEXT(tokenized(l.v, "  ", 1), "16");        /* user-defined before merging */
    CHECK_TEXT(tokenized(l.v, "A", 1), "3");          /* a byte token */
    CHECK_TEXT(tokenized(l.v, "\xC3", 1), "4");       /* a bad byte */
    CHECK_TEXT(tokenized(l.v, "\xC3\xA9", 1), "0");   /* one of its bytes has no token: unknown */
    CHECK_TEXT(tokenized(l.v, "<0x41>", 1), "0 0 0 0 0 0");
    CHECK_TEXT(tokenized(l.v, "unused", 1), "0 0 0 0 0 0"); /* n, u, s … are no tokens */
    CHECK_TEXT(tokenized(l.v, "", 1), "");
    unload(&l);
}

TEST(tokenizer, adds_bos_eos_and_a_blank) {
    vocab_file f = small_file();
    loaded l;
    f.add_eos = 2;
    if (!load_file(&l, &f)) return;
    CHECK(l.v->add_bos && l.v->add_eos && l.v->add_space_prefix);
    CHECK_INT(l.v->bos, 1);
    CHECK_INT(l.v->eos, 2);
    CHECK_INT(l.v->unk, 0);
    CHECK_TEXT(tokenized(l.v, "a", FT_TOKENIZE_DEFAULT), "1 11 2");
    CHECK_TEXT(tokenized(l.v, "a", FT_TOKENIZE_PLAIN), "11");
    CHECK_TEXT(tokenized(l.v, "", FT_TOKENIZE_DEFAULT), "1 2");
    CHECK_TEXT(tokenized(l.v, " a", FT_TOKENIZE_PLAIN), "5 11"); /* a over U+2581 twice: score */
    unload(&l);
    f.bos = 8;
    f.eos = 9;
    f.eot = 7;
    f.unk = 10;
    f.add_bos = 1;
    if (!load_file(&l, &f)) return;
    CHECK_TEXT(tokenized(l.v, "z", FT_TOKENIZE_DEFAULT), "5 9 8");
    CHECK(ft__vocab_is_end(l.v, 8) && ft__vocab_is_end(l.v, 6) && !ft__vocab_is_end(l.v, 7));
    CHECK(!ft__vocab_is_end(l.v, -1) && !ft__vocab_is_end(l.v, SMALL));
    unload(&l);
}

TEST(tokenizer, cuts_at_special_tokens) {
    vocab_file f = small_file();
    loaded l;
    if (!load_file(&l, &f)) return;
    CHECK_TEXT(tokenized(l.v, "a<u>a", 1), "11 14 11");       /* a blank after every cut */
    CHECK_TEXT(tokenized(l.v, "<u>x<u><u>", 1), "15 14 14");  /* the longest */
    CHECK_TEXT(tokenized(l.v, "<<u>", 1), "5 0 14");
    CHECK_TEXT(tokenized(l.v, "<u", 1), "5 0 0");
    CHECK_TEXT(tokenized(l.v, "<s>a", 1), "5 0 0 0 6");
    CHECK_TEXT(tokenized(l.v, "<s>a", 1 | FT_TOKENIZE_PARSE_SPECIAL), "1 11");
    CHECK_TEXT(tokenized(l.v, "<unk></s>", 1 | FT_TOKENIZE_PARSE_SPECIAL), "0 2");
    CHECK_TEXT(tokenized(l.v, "<c>d<c>a", 1 | FT_TOKENIZE_PARSE_SPECIAL), "18 17 11");
    CHECK_TEXT(tokenized(l.v, "<s>", FT_TOKENIZE_PARSE_SPECIAL), "1 1");
    /* an ordinary token is none, whatever its spelling */
    CHECK_TEXT(tokenized(l.v, "<|end|>", 1 | FT_TOKENIZE_PARSE_SPECIAL), "5 0 0 0 0 0 0 0");
    CHECK(!ft__vocab_is_end(l.v, 19) && ft__vocab_is_end(l.v, 2));
    unload(&l);
}

TEST(tokenizer, goes_back_to_text) {
    vocab_file f = small_file();
    loaded l;
    const int32_t all[] = {1, 11, 11, 14, 16, 0, 3, 4, 20, 22, 2, -1};
    const int32_t two_blanks[] = {1, 22, 6, -1}, user[] = {16, 11, -1}, only_bos[] = {1, -1};
    const int32_t bad[] = {6, SMALL};
    char text[8] = "unused";
    ft_error err;
    size_t n;
    if (!load_file(&l, &f)) return;
    CHECK_TEXT(text_of(l.v, all), "a a<u>  A\xC3unused  ");
    CHECK_TEXT(text_of(l.v, two_blanks), " a");
    CHECK_TEXT(text_of(l.v, user), "   a"); /* a user-defined blank is no prefix */
    CHECK_TEXT(text_of(l.v, only_bos), "");
    CHECK_ERROR(ft__vocab_detokenize(l.v, bad, 2, text, 8, &n, &err), FT_ERR_TOKEN, err,
                "token 1 is 24");
    CHECK_ERROR(ft__vocab_detokenize(l.v, all, 4, text, 5, &n, &err), FT_ERR_LIMIT, err, "6 bytes");
    CHECK_INT(n, 6);
    CHECK_TEXT(text, "unused");
    CHECK(memcmp(ft__vocab_piece(l.v, 11, &n), " a", 2) == 0 && n == 2);
    ft__vocab_piece(l.v, 1, &n);
    CHECK_INT(n, 0);
    ft__vocab_piece(l.v, SMALL, &n);
    CHECK_INT(n, 0);
    unload(&l);
}

TEST(tokenizer, keeps_to_the_buffer) {
    vocab_file f = small_file();
    loaded l;
    int32_t ids[3] = {77, 77, 77};
    size_t n;
    ft_error err;
    if (!load_file(&l, &f)) return;
    CHECK_ERROR(ft__vocab_tokenize(l.v, "abc", 3, 0, ids, 2, &n, &err), FT_ERR_LIMIT, err,
                "3 tokens");
    CHECK_INT(n, 3);
    CHECK_INT(ids[0], 77);
    CHECK_ERROR(ft__vocab_tokenize(l.v, "abc", 3, 0, NULL, 0, &n, &err), FT_ERR_LIMIT, err, NULL);
    CHECK_INT(n, 3);
    CHECK_OK(ft__vocab_tokenize(l.v, "abc", 3, 0, ids, 3, &n, &err), err);
    CHECK_TEXT(ids_text(ids, n), "1 5 12");
    CHECK_OK(ft__vocab_tokenize(l.v, NULL, 0, 1, NULL, 0, &n, &err), err);
    CHECK_INT(n, 0);
    CHECK_OK(ft__vocab_detokenize(l.v, NULL, 0, NULL, 0, &n, &err), err);
    CHECK_ERROR(ft__vocab_tokenize(l.v, "abc", (size_t)INT32_MAX + 1, 0, ids, 3, &n, &err),
                FT_ERR_LIMIT, err, "2147483648 bytes");
    CHECK_INT(n, 0);
    unload(&l);
}

TEST(tokenizer, corrects_types_by_spelling) {
    static const char *const tokens[] = {"<unk>", "<s>", "</s>", "a", "<|im_end|>", "<|channel|>",
                                         "<|return|>", "<|call|>", "<|end|>", "<fim_prefix>",
                                         "<|fim_pad|>", "<eos>", "<|tool_response>"};
    static const float scores[13] = {0};
    int32_t types[] = {2, 3, 3, 1, 4, 3, 4, 3, 3, 4, 3, 1, 1};
    vocab_file f;
    loaded l;
    memset(&f, 0, sizeof f);
    f.tokens = tokens;
    f.scores = scores;
    f.types = types;
    f.n = 13;
    if (!load_file(&l, &f)) return;
    CHECK_INT(l.v->types[4], FT__TOKEN_CONTROL);
    CHECK_INT(l.v->types[5], FT__TOKEN_USER);
    CHECK_INT(l.v->types[8], FT__TOKEN_USER); /* gpt-oss: <|return|> and <|call|> are there */
    CHECK_INT(l.v->types[9], FT__TOKEN_CONTROL);
    CHECK_INT(l.v->types[11], FT__TOKEN_NORMAL);
    bool ends[13] = {0, 0, 1, 0, 1, 0, 1, 1, 0, 0, 1, 0, 0};
    for (int i = 0; i < 13; i++) CHECK_INT(ft__vocab_is_end(l.v, i), ends[i]);
    unload(&l);
    types[7] = 1; /* no <|call|>, and gemma4's company */
    types[12] = 3;
    f.eos = 5;
    if (!load_file(&l, &f)) return;
    CHECK(ft__vocab_is_end(l.v, 8) && !ft__vocab_is_end(l.v, 2));
    CHECK_INT(l.v->types[2], FT__TOKEN_NORMAL);
    unload(&l);
}

TEST(tokenizer, phi3_specials_swallow_white_space) {
    vocab_file f = small_file();
    loaded l;
    f.name = "my PHI-3 mini";
    f.add_space_prefix = 1;
    if (!load_file(&l, &f)) return;
    CHECK_TEXT(tokenized(l.v, "<u> \t\r\na <s> a", 3), "14 6 5 1 11");
    CHECK_TEXT(tokenized(l.v, "</s> \v\f", 3), "2");
    unload(&l);
}

/* ---- a second opinion: merging by the definition, rescanning for every merge */

typedef struct span { size_t start, len; } span;

static int naive_find(const vocab_file *f, const char *text, size_t n) {
    for (int i = f->n - 1; i >= 256; i--) /* no text of the test holds "<0x" */
        if (strncmp(f->tokens[i], text, n) == 0 && f->tokens[i][n] == 0) return i;
    return -1;
}

static size_t naive_spm(const vocab_file *f, const ft__vocab *v, const char *text, size_t n,
                        int32_t *ids) {
    static char norm[8192];
    static span s[4096];
    size_t len = 0, n_s = 0, n_ids = 0;
    const char *p = text, *end = text + n;
    if (n && f->add_space_prefix != 1)
        memcpy(norm, BLANK, 3), s[n_s].start = 0, s[n_s++].len = len = 3;
    while (p < end) {
        const char *c = p;
        ft__utf8_next(&p, end);
        size_t k = (size_t)(p - c);
        s[n_s].start = len;
        s[n_s++].len = *c == ' ' ? 3 : k;
        memcpy(norm + len, *c == ' ' ? BLANK : c, *c == ' ' ? 3 : k);
        len += s[n_s - 1].len;
    }
    for (;;) {
        size_t best = n_s;
        float best_score = 0;
        for (size_t i = 0; i + 1 < n_s; i++) {
            int id = naive_find(f, norm + s[i].start, s[i].len + s[i + 1].len);
            if (id >= 0 && (best == n_s || f->scores[id] > best_score))
                best = i, best_score = f->scores[id];
        }
        if (best == n_s) break;
        s[best].len += s[best + 1].len;
        for (size_t i = best + 1; i + 1 < n_s; i++) s[i] = s[i + 1];
        n_s--;
    }
    for (size_t i = 0; i < n_s; i++) {
        int id = naive_find(f, norm + s[i].start, s[i].len);
        if (id >= 0) ids[n_ids++] = id;
        else
            for (size_t k = 0; k < s[i].len; k++)
                ids[n_ids++] = v->byte_ids[(uint8_t)norm[s[i].start + k]];
    }
    return n_ids;
}

static uint64_t random_state;
static unsigned random_below(unsigned n) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % n;
}

TEST(tokenizer, agrees_with_the_definition) {
    enum { N = 256 + 90 };
    static const char *const atoms[] = {
        "a", "b", "c", BLANK, "\xC3\xA9", "\xE6\xBC\xA2", "\xE2\x96\x82", "\xE2"};
    static const char *const bits[] = {
        "a",    "b",   "c",    " ", "\xC3\xA9",        "\xE6\xBC\xA2", "\xE2\x96\x82",
        "\xE2", BLANK, "\x96", "d", "\xF0\x9F\x98\x80"};
    static char spellings[N][40];
    static const char *tokens[N];
    static float scores[N];
    static int32_t types[N], ids[8192], expected[8192];
    static char text[8192];
    long compared = 0;
    random_state = 5;
    for (int round = 0; round < 40; round++) {
        unsigned n_atoms = 2 + random_below(7), n_scores = 1 + random_below(12);
        vocab_file f;
        loaded l;
        for (int i = 0; i < N; i++) {
            snprintf(spellings[i], 40, "<0x%02X>", i & 255);
            types[i] = i < 256 ? FT__TOKEN_BYTE : FT__TOKEN_NORMAL;
            if (i >= 256) spellings[i][0] = 0;
            for (unsigned k = 0, n = 1 + random_below(8); i >= 256 && k < n; k++)
                strcat(spellings[i], atoms[random_below(n_atoms)]);
            if (i == 256) strcpy(spellings[i], BLANK);
            tokens[i] = spellings[i];
            scores[i] = (float)random_below(n_scores) - 5;
            if (scores[i] == 0 && random_below(2)) scores[i] = -0.0f;
        }
        memset(&f, 0, sizeof f);
        f.tokens = tokens;
        f.scores = scores;
        f.types = types;
        f.n = N;
        f.add_space_prefix = (int)random_below(3);
        if (!load_file(&l, &f)) return;
        for (int k = 0; k < 12; k++) {
            size_t n = 0, n_ids, n_expected;
            unsigned n_bits = k < 11 ? random_below(60) : 500;
            ft_error err;
            text[0] = 0;
            while (n_bits--) strcat(text, bits[random_below(random_below(4) ? n_atoms : 12)]);
            n = strlen(text);
            if (!CHECK_OK(ft__vocab_tokenize(l.v, text, n, 1, ids, 8192, &n_ids, &err), err)) break;
            n_expected = naive_spm(&f, l.v, text, n, expected);
            if (!CHECK_TEXT(ids_text(ids, n_ids), ids_text(expected, n_expected))) break;
            if (!strstr(text, BLANK)) CHECK(round_trip(l.v, text, n, ids, n_ids));
            compared++;
        }
        unload(&l);
    }
    test_note("%ld texts", compared);
}

TEST(tokenizer, long_runs_are_no_trouble) {
    vocab_file f = small_file();
    loaded l;
    size_t n = 1 << 20, n_ids;
    char *text = (char *)malloc(n);
    int32_t *ids = (int32_t *)malloc((n + 3) * sizeof *ids);
    ft_error err;
    if (load_file(&l, &f)) {
        memset(text, 'a', n);
        CHECK_OK(ft__vocab_tokenize(l.v, text, n, 0, ids, n + 3, &n_ids, &err), err);
        CHECK_INT(n_ids, 2 + n / 2); /* BOS and the blank; aa beats it */
        CHECK(round_trip(l.v, text, n, ids, n_ids));
        memset(text, '<', n); /* the beginning of many special tokens */
        CHECK_OK(ft__vocab_tokenize(l.v, text, n, 2, ids, n + 3, &n_ids, &err), err);
        CHECK_INT(n_ids, 2 + n);
        unload(&l);
    }
    free(text);
    free(ids);
}

/* ---- files that are wrong, or not for this version */

/* Some writers put -1 (as 4294967295) where there is no such token. */
TEST(tokenizer, ignores_special_ids_outside) {
    loaded l;
    vocab_file f = small_file();
    f.bos = SMALL + 1;
    f.eot = -1;
    if (!load_file(&l, &f)) return;
    CHECK_INT(l.v->bos, -1);
    CHECK(!ft__vocab_is_end(l.v, SMALL + 1) && !ft__vocab_is_end(l.v, -1));
    unload(&l);
}

static void check_bad(const vocab_file *f, ft_status expected, const char *needle) {
    ft__gguf g;
    ft__vocab *v;
    ft_error err;
    if (!CHECK_OK(ft__gguf_open(&g, write_vocab(f), NULL, &err), err)) return;
    CHECK_ERROR(ft__vocab_load(&v, &g, NULL, &err), expected, err, needle);
    CHECK(v == NULL);
    ft__vocab_free(v);
    ft__gguf_close(&g);
}

TEST(tokenizer, refuses_wrong_metadata) {
    static float nan_scores[SMALL];
    static int32_t types[SMALL];
    vocab_file f = small_file();
    f.n_scores = SMALL - 1;
    check_bad(&f, FT_ERR_FORMAT, "tokenizer.ggml.scores: must hold one value for each of the 24");
    f = small_file();
    f.n_types = SMALL - 1;
    check_bad(&f, FT_ERR_FORMAT, "tokenizer.ggml.token_type: must hold");
    f = small_file();
    f.scores = NULL;
    check_bad(&f, FT_ERR_FORMAT, "tokenizer.ggml.scores is missing");
    f = small_file();
    f.tokens = NULL;
    check_bad(&f, FT_ERR_FORMAT, "tokenizer.ggml.tokens is missing");
    f = small_file();
    memcpy(types, small_types, sizeof types);
    types[3] = 7;
    f.types = types;
    check_bad(&f, FT_ERR_FORMAT, "token 3 must have a type");
    types[3] = 6;
    types[0] = 1; /* no unknown token any more */
    check_bad(&f, FT_ERR_FORMAT, "unknown_token_id");
    f = small_file();
    memcpy(nan_scores, small_scores, sizeof nan_scores);
    nan_scores[7] = ft__float_of(0x7FC00000u);
    f.scores = nan_scores;
    check_bad(&f, FT_ERR_FORMAT, "tokenizer.ggml.scores[7]");
}

/* One key written with another type. */
static void check_bad_key(const char *key, int as) {
    const char *path = test_path("wrong.gguf");
    ft__gguf_writer w;
    ft__gguf g;
    ft__vocab *v;
    ft_error err;
    CHECK_OK(ft__gguf_write_begin(&w, path, NULL, &err), err);
    if (as == 0) ft__gguf_write_f32s(&w, key, small_scores, SMALL);
    if (as == 1) ft__gguf_write_i32s(&w, key, small_types, SMALL);
    if (as == 2) ft__gguf_write_strings(&w, key, small_tokens, SMALL);
    if (as == 3) ft__gguf_write_string(&w, key, "x");
    if (strcmp(key, "tokenizer.ggml.model"))
        ft__gguf_write_string(&w, "tokenizer.ggml.model", "llama");
    if (strcmp(key, "tokenizer.ggml.tokens"))
        ft__gguf_write_strings(&w, "tokenizer.ggml.tokens", small_tokens, SMALL);
    if (strcmp(key, "tokenizer.ggml.scores"))
        ft__gguf_write_f32s(&w, "tokenizer.ggml.scores", small_scores, SMALL);
    CHECK_OK(ft__gguf_write_end(&w, &err), err);
    if (!CHECK_OK(ft__gguf_open(&g, path, NULL, &err), err)) return;
    CHECK_ERROR(ft__vocab_load(&v, &g, NULL, &err), FT_ERR_FORMAT, err, key);
    ft__vocab_free(v);
    ft__gguf_close(&g);
}

TEST(tokenizer, refuses_wrong_types) {
    check_bad_key("tokenizer.ggml.model", 1);
    check_bad_key("tokenizer.ggml.tokens", 1);
    check_bad_key("tokenizer.ggml.tokens", 3);
    check_bad_key("tokenizer.ggml.scores", 1);
    check_bad_key("tokenizer.ggml.scores", 2);
    check_bad_key("tokenizer.ggml.token_type", 0);
    check_bad_key("tokenizer.ggml.token_type", 2);
    check_bad_key("tokenizer.ggml.bos_token_id", 3);
    check_bad_key("tokenizer.ggml.bos_token_id", 1);
    check_bad_key("tokenizer.ggml.add_bos_token", 3);
    check_bad_key("general.name", 1);
}

TEST(tokenizer, loads_what_it_cannot_tokenize) {
    vocab_file f = small_file();
    loaded l;
    int32_t ids[8] = {7};
    char text[8];
    size_t n;
    ft_error err;
    f.model = "rwkv";
    f.scores = NULL;
    f.eos = 3;
    if (!load_file(&l, &f)) return;
    CHECK(l.v->kind == NULL);
    CHECK_TEXT(l.v->model, "rwkv");
    CHECK_INT(l.v->n_vocab, SMALL);
    CHECK_INT(l.v->eos, 2);
    CHECK_INT(l.v->bos, -1);
    CHECK(ft__vocab_is_end(l.v, 2));
    CHECK(ft__text_equal(l.v->tokens[9].data, l.v->tokens[9].len, "ab", 2));
    CHECK_ERROR(ft__vocab_tokenize(l.v, "a", 1, 0, ids, 8, &n, &err), FT_ERR_UNSUPPORTED, err,
                "tokenizer rwkv is not in this version");
    CHECK_ERROR(ft__vocab_detokenize(l.v, ids, 1, text, 8, &n, &err), FT_ERR_UNSUPPORTED, err,
                "rwkv");
    ft__vocab_piece(l.v, 7, &n);
    CHECK_INT(n, 0);
    unload(&l);
    memset(&f, 0, sizeof f);
    f.model = ""; /* no tokenizer keys at all */
    if (!load_file(&l, &f)) return;
    CHECK_INT(l.v->n_vocab, 0);
    CHECK_INT(l.v->bos, -1);
    CHECK(!ft__vocab_is_end(l.v, 0));
    CHECK_ERROR(ft__vocab_tokenize(l.v, "a", 1, 0, ids, 8, &n, &err), FT_ERR_UNSUPPORTED, err,
                "no tokenizer");
    unload(&l);
}

/* Without types, byte tokens are known by their spelling and token 0 is the unknown one. */
TEST(tokenizer, file_without_types) {
    vocab_file f = small_file();
    loaded l;
    const int32_t ids[] = {3, 6, -1};
    f.types = NULL;
    if (!load_file(&l, &f)) return;
    CHECK_TEXT(tokenized(l.v, "Az", 1), "5 3 0");
    CHECK_TEXT(text_of(l.v, ids), "Aa");
    unload(&l);
}

TEST(tokenizer, survives_want_of_memory) {
    vocab_file f = small_file();
    const char *path = write_vocab(&f),
               *text = "abc <u> a \xC3\xA9 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa <s>bc";
    int32_t ids[80];
    ft_status status = FT_ERR_MEMORY;
    ft__gguf g;
    ft_error err;
    long tries = 0;
    if (!CHECK_OK(ft__gguf_open(&g, path, NULL, &err), err)) return;
    for (; status && tries < 500; tries++) {
        test_memory memory = {0, 0, tries + 1};
        ft_allocator a = test_allocator(&memory);
        ft__vocab *v;
        size_t n;
        status = ft__vocab_load(&v, &g, &a, &err);
        if (!status) status = ft__vocab_tokenize(v, text, strlen(text), 2, ids, 80, &n, &err);
        if (status) CHECK_ERROR(status, FT_ERR_MEMORY, err, NULL);
        ft__vocab_free(v);
        CHECK_INT(memory.live, 0);
    }
    CHECK_OK(status, err);
    CHECK(tries > 8);
    ft__gguf_close(&g);
}

TEST(tokenizer, tiny_model_vocabulary) {
    tiny_model options;
    loaded l;
    memset(&options, 0, sizeof options);
    tiny_write_model(test_path("tiny.gguf"), &options);
    if (!load(&l, test_path("tiny.gguf"))) return;
    const char *text = "hello world, she said:\n  \xE2\x82\xAC 5!";
    int32_t ids[64];
    size_t n;
    ft_error err;
    CHECK_INT(l.v->n_vocab, tiny_vocab_size());
    CHECK_OK(ft__vocab_tokenize(l.v, text, strlen(text), 0, ids, 64, &n, &err), err);
    CHECK_TEXT(tiny_token(ids[1]), BLANK "hello");
    CHECK(round_trip(l.v, text, strlen(text), ids, n));
    unload(&l);
}

/* ---- the reference sets */

static const char *const sets[] = {
    "llama-spm", "baichuan", "phi-3", "synth-gemma3", "synth-gemma4", "gpt-2", "starcoder", "refact",
    "falcon", "mpt", "gpt-neox", "deepseek-llm", "deepseek-coder", "llama-bpe", "qwen2",
    "bert-bge"};

/* GPT-NeoX's vocabulary is that of mpt in a file without tokenizer.ggml.pre. */
static bool load_set(loaded *l, const char *name) {
    static const char pre[] = "tokenizer.ggml.pre";
    char path[128];
    ft_error err;
    bool neox = strcmp(name, "gpt-neox") == 0;
    snprintf(path, sizeof path, "tokenizers/ggml-vocab-%s.gguf", neox ? "mpt" : name);
    if (!CHECK_OK(ft__gguf_open(&l->g, test_shared(path), NULL, &err), err)) return false;
    for (size_t i = 0; i < l->g.n_kv && neox; i++)
        if (ft__text_equal(l->g.kv[i].key.data, l->g.kv[i].key.len, pre, sizeof pre - 1))
            l->g.kv[i].key.len = 0;
    if (CHECK_OK(ft__vocab_load(&l->v, &l->g, NULL, &err), err)) return true;
    ft__gguf_close(&l->g);
    return false;
}

static char *read_set(const char *fmt, const char *name, size_t *n) {
    char path[128];
    snprintf(path, sizeof path, fmt, name);
    const char *full = test_shared(path);
    return full ? test_read(full, n) : NULL;
}

/* True if the ids of the text are those of the JSON array; any difference is printed. */
static bool same_ids(const ft__vocab *v, const char *text, size_t n, unsigned flags,
                     const ft__json *expected, int32_t *ids, size_t *n_ids) {
    ft_error err;
    size_t i = 0;
    if (!CHECK_OK(ft__vocab_tokenize(v, text, n, flags, ids, 1 << 16, n_ids, &err), err))
        return false;
    bool same = *n_ids == expected->count;
    for (const ft__json *id = expected->child; id && same; id = id->next)
        same = (double)ids[i++] == id->number;
    if (!same) {
        static int32_t wanted[1 << 16];
        i = 0;
        for (const ft__json *id = expected->child; id; id = id->next)
            wanted[i++] = (int32_t)id->number;
        test_note("flags %u, \"%.*s\"", flags, n < 200 ? (int)n : 200, text);
        CHECK_TEXT(ids_text(ids, *n_ids), ids_text(wanted, i));
    }
    return same;
}

TEST(tokenizer, shared_extended_sets) {
    if (!test_shared("tokenizers")) SKIP("no ../shared");
    int32_t *ids = (int32_t *)malloc(sizeof(int32_t) << 16);
    for (size_t set = 0; set < FT__COUNT(sets); set++) {
        long rows = 0, same = 0, back = 0, with_blank = 0;
        bool exact = true;
        size_t size, n;
        char *text = read_set("tokenizers/%s.ext.jsonl", sets[set], &size);
        loaded l;
        ft__jsonl lines;
        if (!CHECK(text != NULL) || !load_set(&l, sets[set])) break;
        ft__jsonl_init(&lines, text, size, sets[set]);
        for (;;) {
            ft__arena arena;
            ft__json *row;
            ft_error err;
            ft__arena_init(&arena, NULL);
            if (!CHECK_OK(ft__jsonl_next(&lines, &arena, &row, &err), err) || !row) {
                ft__arena_free(&arena);
                break;
            }
            const ft__json *t = ft__json_get(row, "text");
            rows++;
            same += same_ids(l.v, t->text, t->text_len, 1 | FT_TOKENIZE_PARSE_SPECIAL,
                             ft__json_get(row, "ids_special"), ids, &n);
            same += same_ids(l.v, t->text, t->text_len, 1, ft__json_get(row, "ids"), ids, &n);
            if (strstr(t->text, BLANK)) with_blank++;
            else back += round_trip(l.v, t->text, t->text_len, ids, n);
            ft__arena_free(&arena);
        }
        test_note("%s: %ld of %ld tokenizations, %ld of %ld round trips", sets[set], same,
                  2 * rows, back, rows - with_blank);
        /* Some lack tokens for bytes, and drop them, as their makers' tokenizers do; others bring
           texts to normal form. */
        for (int b = 0; b < 256; b++) exact = exact && l.v->byte_ids[b] >= 0;
        long lost = strcmp(l.v->model, "bert") == 0 ? rows : exact ? 0 : 30;
        CHECK(rows > 800 && same == 2 * rows && back + with_blank >= rows - lost);
        unload(&l);
        free(text);
    }
    free(ids);
}

TEST(tokenizer, shared_inp_out_pairs) {
    static const char separator[] = "\n__ggml_vocab_test__\n";
    static int32_t ids[1 << 16];
    if (!test_shared("tokenizers")) SKIP("no ../shared");
    for (size_t set = 0; set < FT__COUNT(sets); set++) {
        size_t size;
        char *inp = read_set("tokenizers/ggml-vocab-%s.gguf.inp", sets[set], &size);
        char *out = read_set("tokenizers/ggml-vocab-%s.gguf.out", sets[set], NULL);
        int rows = 0, same = 0;
        loaded l;
        if (!inp || !out || !load_set(&l, sets[set])) { /* the synthetic ones have none */
            free(inp);
            free(out);
            continue;
        }
        char *line = out, *text = inp;
        while (text) {
            char *next = strstr(text, separator), *end = strchr(line, '\n');
            if (next) *next = 0;
            if (end) *end = 0;
            size_t n;
            ft_error err;
            CHECK_OK(ft__vocab_tokenize(l.v, text, strlen(text), 1, ids, 1 << 16, &n, &err), err);
            while (*line == ' ') line++;
            rows++;
            same += CHECK_TEXT(ids_text(ids, n), line);
            text = next ? next + sizeof separator - 1 : NULL;
            line = end ? end + 1 : line + strlen(line);
        }
        test_note("%s: %d of %d", sets[set], same, rows);
        CHECK(rows >= 46);
        unload(&l);
        free(inp);
        free(out);
    }
}

/* Strings for which the engines are wrong: what the model was trained with counts. */
TEST(tokenizer, shared_divergent) {
    const char *path = test_shared("tokenizers/divergent.jsonl");
    if (!path) SKIP("no ../shared");
    size_t size, n;
    char *file = test_read(path, &size);
    int32_t *ids = (int32_t *)malloc(sizeof(int32_t) << 16);
    int rows = 0, same = 0;
    for (size_t set = 0; set < FT__COUNT(sets); set++) {
        loaded l;
        ft__jsonl lines;
        ft__arena arena;
        ft__json *row;
        ft_error err;
        if (!load_set(&l, sets[set])) break;
        ft__arena_init(&arena, NULL);
        ft__jsonl_init(&lines, file, size, "divergent.jsonl");
        while (CHECK_OK(ft__jsonl_next(&lines, &arena, &row, &err), err) && row) {
            const ft__json *vocab = ft__json_get(row, "vocab"), *text = ft__json_get(row, "text"),
                           *special = ft__json_get(row, "special");
            if (!vocab || strcmp(vocab->text, sets[set])) continue;
            unsigned flags = special && special->type == FT__JSON_TRUE ? FT_TOKENIZE_PARSE_SPECIAL : 0;
            rows++;
            same += same_ids(l.v, text->text, text->text_len, 1 | flags, ft__json_get(row, "published"),
                             ids, &n);
        }
        ft__arena_free(&arena);
        unload(&l);
    }
    test_note("%d of %d", same, rows);
    CHECK(rows == 60 && same == rows);
    free(file);
    free(ids);
}

static uint64_t fnv1a(const int32_t *ids, size_t n) {
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < 4 * n; i++)
        h = (h ^ ((uint32_t)ids[i / 4] >> i % 4 * 8 & 255)) * 0x100000001B3u;
    return h;
}

TEST(tokenizer, shared_stress) {
    const char *path = test_shared("tokenizers/stress.jsonl");
    if (!path) SKIP("no ../shared");
    size_t size, cap = 1 << 16;
    char *file = test_read(path, &size), *text = (char *)malloc(1 << 20);
    int32_t *ids = (int32_t *)malloc(cap * sizeof *ids);
    int rows = 0, same = 0;
    for (size_t set = 0; set < FT__COUNT(sets); set++) {
        loaded l;
        ft__jsonl lines;
        ft__arena arena;
        ft__json *row;
        ft_error err;
        if (!load_set(&l, sets[set])) break;
        ft__arena_init(&arena, NULL);
        ft__jsonl_init(&lines, file, size, "stress.jsonl");
        while (CHECK_OK(ft__jsonl_next(&lines, &arena, &row, &err), err) && row) {
            if (strcmp(ft__json_get(row, "vocab")->text, sets[set])) continue;
            const ft__json *unit = ft__json_get(row, "unit");
            size_t n = 0, n_ids;
            char hash[17];
            for (int i = 0; i < (int)ft__json_get(row, "times")->number; i++, n += unit->text_len)
                memcpy(text + n, unit->text, unit->text_len);
            CHECK_OK(ft__vocab_tokenize(l.v, text, n, 1, ids, cap, &n_ids, &err), err);
            snprintf(hash, sizeof hash, "%016llx", (unsigned long long)fnv1a(ids, n_ids));
            rows++;
            same += CHECK_INT(n_ids, ft__json_get(row, "n_ids")->number) &&
                    CHECK_TEXT(hash, ft__json_get(row, "fnv1a64")->text);
        }
        ft__arena_free(&arena);
        unload(&l);
    }
    test_note("%d of %d", same, rows);
    CHECK(rows == 126 && same == rows);
    free(file);
    free(text);
    free(ids);
}

/* What "hi" becomes, and, for every vocabulary, which tokens end generation. */
TEST(tokenizer, shared_vocabs_json) {
    const char *path = test_shared("tokenizers/vocabs.json");
    if (!path) SKIP("no ../shared");
    size_t size;
    char *file = test_read(path, &size);
    int32_t *ids = (int32_t *)malloc(sizeof(int32_t) << 16);
    ft__arena arena;
    ft__json *all;
    ft_error err;
    ft__arena_init(&arena, NULL);
    if (CHECK_OK(ft__json_parse(file, size, path, 1, &arena, &all, &err), err)) {
        int n_tokenized = 0;
        for (const ft__json *set = all->child; set; set = set->next) {
            loaded l;
            size_t n;
            int n_ends = 0;
            if (!load_set(&l, set->key)) break;
            CHECK_INT(l.v->n_vocab, ft__json_get(set, "n_tokens")->number);
            for (int32_t i = 0; i < l.v->n_vocab; i++) n_ends += ft__vocab_is_end(l.v, i);
            for (const ft__json *id = ft__json_get(set, "eog_peers")->child; id; id = id->next) {
                /* the trap: Qwen's </s> is an ordinary token and ends nothing here */
                bool trap = strcmp(set->key, "qwen2") == 0 && id->number == 128247;
                CHECK_INT(ft__vocab_is_end(l.v, (int32_t)id->number), !trap);
                n_ends -= !trap;
            }
            if (!CHECK_INT(n_ends, 0)) test_note("in %s", set->key);
            if (l.v->kind) {
                same_ids(l.v, "hi", 2, 0, ft__json_get(set, "hi_add_special"), ids, &n);
                n_tokenized++;
            }
            unload(&l);
        }
        CHECK_INT(n_tokenized, 16);
    }
    ft__arena_free(&arena);
    free(file);
    free(ids);
}

TEST(tokenizer, shared_stories_text) {
    if (!test_shared("models/stories260K.json")) SKIP("no ../shared");
    size_t size, n = 0, n_text;
    char *file = test_read(test_shared("models/stories260K.json"), &size), text[4096];
    static int32_t ids[1024];
    ft__arena arena;
    ft__json *row;
    ft_error err;
    loaded l;
    ft__arena_init(&arena, NULL);
    if (CHECK_OK(ft__json_parse(file, size, "stories260K.json", 1, &arena, &row, &err), err) &&
        load(&l, test_shared("models/stories260K.gguf"))) {
        const ft__json *prompt = ft__json_get(row, "prompt"),
                       *whole = ft__json_get(row, "greedy_text");
        same_ids(l.v, prompt->text, prompt->text_len, 0, ft__json_get(row, "prompt_tokens"), ids,
                 &n);
        for (const ft__json *id = ft__json_get(row, "greedy_tokens")->child; id; id = id->next)
            ids[n++] = (int32_t)id->number;
        CHECK_OK(ft__vocab_detokenize(l.v, ids, n, text, sizeof text - 1, &n_text, &err), err);
        text[n_text] = 0;
        CHECK_TEXT(text, whole->text);
        unload(&l);
    }
    ft__arena_free(&arena);
    free(file);
}
