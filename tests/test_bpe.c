/* BPE by merge ranks: a small vocabulary of our own, a straight rescan as the second opinion, files
   that are wrong, vocabularies that do not come from a GGUF file, speed. */
#include "test.h"
#include "../src/text/text.h"

/* ---- a vocabulary from parts, and a GGUF file of the same */

enum { MAX_TOKENS = 700, MAX_MERGES = 300 };

typedef struct small {
    char spelling[MAX_TOKENS][64];
    ft__gguf_str tokens[MAX_TOKENS];
    int32_t types[MAX_TOKENS];
    ft__tok_merge merges[MAX_MERGES];
    ft__vocab_parts parts;
} small;

static int add_token(small *s, const char *text, size_t n, int type) {
    int i = (int)s->parts.n_tokens++;
    memcpy(s->spelling[i], text, n);
    s->spelling[i][n] = 0;
    s->tokens[i].data = s->spelling[i];
    s->tokens[i].len = n;
    s->types[i] = type;
    return i;
}

/* A token and the merge that makes it. */
static void add_merge(small *s, int left, int right) {
    char joined[64];
    ft__gguf_str a = s->tokens[left], b = s->tokens[right];
    memcpy(joined, a.data, a.len);
    memcpy(joined + a.len, b.data, b.len);
    add_token(s, joined, a.len + b.len, FT__TOKEN_NORMAL);
    s->merges[s->parts.n_merges].left = a;
    s->merges[s->parts.n_merges++].right = b;
}

/* In the byte alphabet, as an independent walk over the 256 bytes gives it. */
static size_t letter(int byte, char out[4]) {
    int n_odd = 0;
    for (int b = 0;; b++) {
        bool plain = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
        if (b == byte) return (size_t)ft__utf8_encode((uint32_t)(plain ? b : 256 + n_odd), out);
        n_odd += !plain;
    }
}

/* Tokens 0..255 are the bytes. */
static void begin(small *s, const char *pre) {
    memset(s, 0, sizeof *s);
    ft__vocab_parts_init(&s->parts);
    s->parts.where = "small";
    s->parts.model = "gpt2";
    s->parts.pre = pre;
    s->parts.tokens = s->tokens;
    s->parts.types = s->types;
    s->parts.merges = s->merges;
    for (int b = 0; b < 256; b++) {
        char text[4];
        add_token(s, text, letter(b, text), FT__TOKEN_NORMAL);
    }
}

static ft__vocab *build(const small *s) {
    ft__vocab *v = NULL;
    ft_error err;
    CHECK_OK(ft__vocab_build(&v, &s->parts, NULL, &err), err);
    return v;
}

static const char *ids_of(const ft__vocab *v, const char *text, size_t n, unsigned flags) {
    static int32_t ids[4096];
    static char out[2][8192];
    static int turn;
    char *o = out[turn++ % 2];
    size_t n_ids = 0, len = 0;
    ft_error err;
    o[0] = 0;
    CHECK_OK(ft__vocab_tokenize(v, text, n, flags, ids, 4096, &n_ids, &err), err);
    for (size_t i = 0; i < n_ids && len < 8000; i++)
        len += (size_t)snprintf(o + len, 8192 - len, i ? " %d" : "%d", (int)ids[i]);
    return o;
}

static const char *tokenized(const ft__vocab *v, const char *text) {
    return ids_of(v, text, strlen(text), FT_TOKENIZE_PLAIN);
}

TEST(bpe, merges_by_rank) {
    static small s;
    begin(&s, "gpt-2");
    add_merge(&s, 'b', 'c');    /* 256 */
    add_merge(&s, 'a', 'b');    /* 257 */
    add_merge(&s, 257, 'c');    /* 258: never, as bc comes first */
    add_merge(&s, 'a', 'a');    /* 259 */
    add_merge(&s, 259, 259);    /* 260 */
    add_merge(&s, ' ', 'a');    /* 261 */
    add_merge(&s, 0xC3, 0xA9);  /* 262: e acute */
    ft__vocab *v = build(&s);
    if (!v) return;
    CHECK_TEXT(tokenized(v, "abc"), "97 256");
    CHECK_TEXT(tokenized(v, "aba"), "257 97");
    CHECK_TEXT(tokenized(v, "aaaaaaa"), "260 259 97");
    CHECK_TEXT(tokenized(v, "b a"), "98 261");
    CHECK_TEXT(tokenized(v, "\xC3\xA9\n\xC3"), "262 10 195");
    CHECK_TEXT(tokenized(v, ""), "");
    v->ignore_merges = true;
    CHECK_TEXT(tokenized(v, "abc abc"), "258 261 256");
    ft__vocab_free(v);
}

TEST(bpe, round_trips_any_bytes) {
    static small s;
    begin(&s, "llama-bpe");
    for (int b = 128; b < 256; b++) add_merge(&s, b, 255 - b / 2);
    ft__vocab *v = build(&s);
    if (!v) return;
    CHECK(v->add_bos && v->ignore_merges);
    uint64_t state = 1;
    for (int round = 0; round < 500; round++) {
        char text[64], back[64];
        int32_t ids[64];
        size_t n = (size_t)round % 64, n_ids, n_back;
        ft_error err;
        for (size_t i = 0; i < n; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            text[i] = (char)(state >> (state >> 62 ? 35 : 40) | (state >> 63 << 7));
        }
        CHECK_OK(ft__vocab_tokenize(v, text, n, FT_TOKENIZE_PLAIN, ids, 64, &n_ids, &err), err);
        CHECK_OK(ft__vocab_detokenize(v, ids, n_ids, back, 64, &n_back, &err), err);
        CHECK(n_back == n && memcmp(back, text, n) == 0);
    }
    ft__vocab_free(v);
}

/* ---- the definition: scan all pairs, merge the leftmost of the least rank, again */

static size_t naive(const small *s, const char *text, size_t n, int *ids) {
    for (size_t i = 0; i < n; i++) ids[i] = (uint8_t)text[i];
    for (;;) {
        size_t best = SIZE_MAX, at = 0;
        for (size_t i = 0; i + 1 < n; i++)
            for (size_t k = 0; k < s->parts.n_merges && k < best; k++)
                if (strcmp(s->merges[k].left.data, s->spelling[ids[i]]) == 0 &&
                    strcmp(s->merges[k].right.data, s->spelling[ids[i + 1]]) == 0)
                    best = k, at = i;
        if (best == SIZE_MAX) return n;
        ids[at] = 256 + (int)best;
        memmove(ids + at + 1, ids + at + 2, (n - at - 2) * sizeof *ids);
        n--;
    }
}

TEST(bpe, agrees_with_the_definition) {
    static small s;
    static char joined[MAX_TOKENS][64];
    uint64_t state = 7;
    for (int round = 0; round < 60; round++) {
        begin(&s, "gpt-2");
        int n_letters = 2 + round % 4, n_merges = 5 + round;
        for (int k = 0; k < n_merges; k++) {
            int pick[2];
            for (int side = 0; side < 2; side++) {
                state = state * 6364136223846793005u + 1442695040888963407u;
                unsigned r = (unsigned)(state >> 33);
                unsigned n_made = (unsigned)s.parts.n_merges;
                pick[side] = r % 3 && n_made ? (int)(256 + r / 3 % n_made)
                                             : (int)('a' + (int)(r / 3 % (unsigned)n_letters));
            }
            /* one merge for each spelling, so that a rank says which token */
            snprintf(joined[k], 64, "%.31s%.31s", s.spelling[pick[0]], s.spelling[pick[1]]);
            bool known = strlen(joined[k]) > 24;
            for (size_t i = 0; i < s.parts.n_tokens; i++) known = known || !strcmp(s.spelling[i], joined[k]);
            if (!known) add_merge(&s, pick[0], pick[1]);
        }
        ft__vocab *v = build(&s);
        if (!v) return;
        for (int k = 0; k < 20; k++) {
            char text[400], expected[4096];
            int ids[400];
            size_t n = k < 18 ? (size_t)(1 + k * 3) : 300, len = 0;
            for (size_t i = 0; i < n; i++) {
                state = state * 6364136223846793005u + 1442695040888963407u;
                text[i] = (char)('a' + (int)((state >> 33) % (unsigned)n_letters));
            }
            size_t n_ids = naive(&s, text, n, ids);
            expected[0] = 0;
            for (size_t i = 0; i < n_ids; i++)
                len += (size_t)snprintf(expected + len, sizeof expected - len, i ? " %d" : "%d", ids[i]);
            if (!CHECK_TEXT(ids_of(v, text, n, FT_TOKENIZE_PLAIN), expected)) k = 20;
        }
        ft__vocab_free(v);
    }
}

/* ---- what the pre-tokenizer's name decides */

TEST(bpe, normal_form) {
    static small s;
    begin(&s, "qwen2");
    add_merge(&s, 0xC3, 0xA9);
    ft__vocab *v = build(&s);
    if (!v) return;
    CHECK_TEXT(tokenized(v, "e\xCC\x81"), "256");
    CHECK_TEXT(tokenized(v, "\xCC\x81" "e"), "204 129 101");
    CHECK_TEXT(tokenized(v, "x\xFF" "e\xCC\x81\xFF"), "120 255 256 255"); /* bad bytes stay */
    ft__vocab_free(v);
    s.parts.nfc = 0;
    if (!(v = build(&s))) return;
    CHECK_TEXT(tokenized(v, "e\xCC\x81"), "101 204 129");
    ft__vocab_free(v);
}

TEST(bpe, bos_and_specials) {
    static small s;
    begin(&s, "llama-bpe");
    int bos = add_token(&s, "<bos>", 5, FT__TOKEN_CONTROL), user = add_token(&s, "  ", 2, FT__TOKEN_USER);
    int end = add_token(&s, "</s>", 4, FT__TOKEN_NORMAL), mask = add_token(&s, "<m>", 3, FT__TOKEN_CONTROL);
    static uint8_t flags[MAX_TOKENS];
    char expected[64];
    s.parts.bos = bos;
    s.parts.ends[s.parts.n_ends++] = 'z';
    flags[mask] = FT__TOKEN_EATS_BEFORE | FT__TOKEN_EATS_SPACE;
    s.parts.flags = flags;
    ft__vocab *v = build(&s);
    if (!v) return;
    snprintf(expected, sizeof expected, "%d 97 %d 98", bos, user);
    CHECK_TEXT(ids_of(v, "a  b", 4, 0), expected);
    CHECK_TEXT(ids_of(v, "</s>", 4, FT_TOKENIZE_PLAIN | FT_TOKENIZE_PARSE_SPECIAL), "60 47 115 62");
    snprintf(expected, sizeof expected, "97 %d 98", mask);
    CHECK_TEXT(ids_of(v, "a \n<m> b", 8, FT_TOKENIZE_PLAIN | FT_TOKENIZE_PARSE_SPECIAL), expected);
    CHECK(!ft__vocab_is_end(v, end) && ft__vocab_is_end(v, 'z') && ft__vocab_is_end(v, 11));
    CHECK_INT(v->eos, 11); /* as the engines have it where no key says */
    ft__vocab_free(v);
    s.parts.add_bos = 0;
    if (!(v = build(&s))) return;
    CHECK(!v->add_bos);
    ft__vocab_free(v);
}

TEST(bpe, unknown_pretokenizer) {
    static small s;
    int32_t ids[4];
    size_t n;
    ft_error err;
    begin(&s, "newest-bpe");
    s.parts.eos = 5;
    ft__vocab *v = build(&s);
    if (!v) return;
    CHECK(v->kind == NULL && v->eos == 5 && v->n_vocab == 256);
    CHECK_ERROR(ft__vocab_tokenize(v, "a", 1, 0, ids, 4, &n, &err), FT_ERR_UNSUPPORTED, err,
                "\"newest-bpe\" (tokenizer.ggml.pre)");
    CHECK_ERROR(ft__vocab_detokenize(v, ids, 0, NULL, 0, &n, &err), FT_ERR_UNSUPPORTED, err, "newest-bpe");
    ft__vocab_free(v);
}

/* ---- gemma4 */

static void begin_characters(small *s, const char *model) {
    begin(s, "");
    s->parts.n_tokens = 0;
    s->parts.model = model;
    for (int b = 0; b < 256; b++) {
        char text[8];
        add_token(s, text, (size_t)snprintf(text, sizeof text, "<0x%02X>", (unsigned)b), FT__TOKEN_BYTE);
    }
    add_token(s, "a", 1, FT__TOKEN_NORMAL);            /* 256 */
    add_token(s, "b", 1, FT__TOKEN_NORMAL);            /* 257 */
    add_token(s, "\xE2\x96\x81", 3, FT__TOKEN_NORMAL); /* 258 */
    add_token(s, "\n", 1, FT__TOKEN_NORMAL);           /* 259 */
    add_token(s, "\n\n", 2, FT__TOKEN_NORMAL);         /* 260, of no merge */
    add_merge(s, 256, 256);                            /* 261 aa */
    add_merge(s, 258, 256);                            /* 262 _a */
    add_merge(s, 258, 261);                            /* 263 _aa */
}

TEST(bpe, gemma4) {
    static small s;
    size_t n;
    begin_characters(&s, "gemma4");
    s.parts.bos = 0;
    s.parts.add_bos = 0;
    ft__vocab *v = build(&s);
    if (!v) return;
    CHECK_TEXT(ids_of(v, "a", 1, 0), "0 256"); /* whatever the file says */
    CHECK_TEXT(tokenized(v, "a aa b"), "256 263 258 257");
    CHECK_TEXT(tokenized(v, "\n\na\n\n\n"), "260 256 259 259 259");
    CHECK_TEXT(tokenized(v, "\xC3\xA9\xFF"), "195 169 255");
    CHECK(memcmp(ft__vocab_piece(v, 263, &n), " aa", 3) == 0 && n == 3);
    ft__vocab_free(v);
}

/* ---- what is wrong */

static void check_bad(const small *s, const char *needle) {
    ft__vocab *v;
    ft_error err;
    CHECK_ERROR(ft__vocab_build(&v, &s->parts, NULL, &err), FT_ERR_FORMAT, err, needle);
    CHECK(v == NULL);
    ft__vocab_free(v);
}

TEST(bpe, refuses_wrong_merges) {
    static small s;
    begin(&s, "gpt-2");
    add_merge(&s, 'a', 'b');
    s.parts.prefix = "tokenizer.ggml.";
    s.merges[0].left.data = "zz";
    s.merges[0].left.len = 2;
    check_bad(&s, "tokenizer.ggml.merges[0] \"zz b\": the left part is no token");
    s.merges[0].left = s.tokens['a'];
    s.merges[0].right.data = "";
    s.merges[0].right.len = 0;
    check_bad(&s, "the right part is no token");
    s.merges[0].right = s.tokens['c'];
    check_bad(&s, "what they make is no token");
    s.parts.merges = NULL;
    check_bad(&s, "tokenizer.ggml.merges is missing");
}

/* The same in a file. */
static void check_file(const char *const *merges, size_t n, const char *needle) {
    static const char *const tokens[] = {"a", "b", "ab", "ab", "", "c"};
    const char *path = test_path("bpe.gguf");
    ft__gguf_writer w;
    ft__gguf g;
    ft__vocab *v;
    ft_error err;
    CHECK_OK(ft__gguf_write_begin(&w, path, NULL, &err), err);
    ft__gguf_write_string(&w, "tokenizer.ggml.model", "gpt2");
    ft__gguf_write_string(&w, "tokenizer.ggml.pre", "qwen2");
    ft__gguf_write_strings(&w, "tokenizer.ggml.tokens", tokens, 6);
    ft__gguf_write_strings(&w, "tokenizer.ggml.merges", merges, n);
    CHECK_OK(ft__gguf_write_end(&w, &err), err);
    if (!CHECK_OK(ft__gguf_open(&g, path, NULL, &err), err)) return;
    if (needle) {
        CHECK_ERROR(ft__vocab_load(&v, &g, NULL, &err), FT_ERR_FORMAT, err, needle);
    } else if (CHECK_OK(ft__vocab_load(&v, &g, NULL, &err), err)) {
        CHECK_TEXT(tokenized(v, "abcab"), "3 5 3"); /* the later of two spellings; x has no token */
        CHECK_TEXT(tokenized(v, "xax"), "0");
        ft__vocab_free(v);
    }
    ft__gguf_close(&g);
}

TEST(bpe, files) {
    static const char *const good[] = {"a b", "a b"}, *const no_blank[] = {"a b", "ab"},
                      *const at_end[] = {"ab "}, *const at_start[] = {" ab"}, *const empty[] = {""},
                      *const nowhere[] = {"a b", "ab c"};
    check_file(good, 2, NULL);
    check_file(no_blank, 2, "tokenizer.ggml.merges[1] must be two texts with a blank between, found \"ab\"");
    check_file(at_end, 1, "merges[0]");
    check_file(at_start, 1, "merges[0]");
    check_file(empty, 1, "merges[0]");
    check_file(nowhere, 2, "merges[1] \"ab c\": what they make is no token");
}

TEST(bpe, survives_want_of_memory) {
    static const char *const kinds[] = {"gpt2", "gemma4"};
    static small s;
    for (size_t kind = 0; kind < FT__COUNT(kinds); kind++) {
        ft_status status = FT_ERR_MEMORY;
        long tries = 0;
        if (kind == 0) begin(&s, "qwen2"), add_merge(&s, 'a', 'a'), s.parts.ignore_merges = 1;
        else begin_characters(&s, kinds[kind]);
        for (; status && tries < 500; tries++) {
            test_memory memory = {0, 0, tries + 1};
            ft_allocator a = test_allocator(&memory);
            const char *text = "aa e\xCC\x81 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n\nx";
            int32_t ids[80];
            size_t n;
            ft__vocab *v;
            ft_error err;
            status = ft__vocab_build(&v, &s.parts, &a, &err);
            if (!status) status = ft__vocab_tokenize(v, text, strlen(text), 1, ids, 80, &n, &err);
            if (status) CHECK_ERROR(status, FT_ERR_MEMORY, err, NULL);
            ft__vocab_free(v);
            CHECK_INT(memory.live, 0);
        }
        CHECK(!status && tries > 8);
    }
}

/* ---- speed */

static double measure(const ft__vocab *v, const char *text, size_t n, int32_t *ids) {
    ft_error err;
    size_t n_ids;
    double start = ft__seconds();
    CHECK_OK(ft__vocab_tokenize(v, text, n, FT_TOKENIZE_PLAIN, ids, n + 16, &n_ids, &err), err);
    return (double)n / 1e6 / (ft__seconds() - start);
}

TEST(bpe, shared_speed) {
    static const char *const sets[] = {"qwen2", "llama-bpe", "deepseek-coder", "falcon", "synth-gemma4"};
    static const char *const units[] = {"a", " ", "\n", "=", "1", "\xE6\xBC\xA2", "\xCC\x81"};
    const char *slowest_set = "", *slowest_unit = "";
    double slowest = 1e9;
    if (!test_shared("tokenizers")) SKIP("no ../shared");
    size_t n = 1 << 18;
    char *text = (char *)malloc(n);
    int32_t *ids = (int32_t *)malloc((n + 16) * sizeof *ids);
    for (size_t k = 0; k < FT__COUNT(sets); k++) {
        char path[128];
        ft__gguf g;
        ft__vocab *v;
        ft_error err;
        snprintf(path, sizeof path, "tokenizers/ggml-vocab-%s.gguf", sets[k]);
        if (!CHECK_OK(ft__gguf_open(&g, test_shared(path), NULL, &err), err)) break;
        if (CHECK_OK(ft__vocab_load(&v, &g, NULL, &err), err)) {
            for (size_t u = 0; u < FT__COUNT(units); u++) {
                size_t unit = strlen(units[u]);
                for (size_t i = 0; i < n; i++) text[i] = units[u][i % unit];
                double speed = measure(v, text, n, ids);
                if (speed < slowest) slowest = speed, slowest_set = sets[k], slowest_unit = units[u];
            }
            ft__vocab_free(v);
        }
        ft__gguf_close(&g);
    }
    test_note("the slowest: %.1f MB/s, %s, a run of \"%s\"", slowest, slowest_set, slowest_unit);
    CHECK(slowest > 0.1); /* this may run under sanitizers, on a busy machine */
    free(text);
    free(ids);
}
