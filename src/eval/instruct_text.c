/* What IFEval's checkers ask Python and NLTK about a text.

   isupper() and islower(): some characters are cased, all of these are in that case.

   json.loads(): NaN, Infinity, numbers of any size and halves of surrogate pairs are fine, control
   characters in strings are not.

   word_tokenize() (NLTK's Treebank tokenizer), as far as it changes how many tokens are in
   capitals: which marks stand alone, and where words are cut in two ("DO|N'T"). */
#include "instruct.h"

/* ---- cases */

/* Python's idea of cased characters: 'A', 'a', or 't' for those that are both; else 0. */
static int ft__instruct_case(uint32_t c) {
    /* Other_Lowercase and Other_Uppercase of Unicode: no letters by category, but cased. */
    static const uint32_t others[][3] = {
        {0xAA, 0xAA, 'a'},       {0xBA, 0xBA, 'a'},       {0x2B0, 0x2B8, 'a'},
        {0x2C0, 0x2C1, 'a'},     {0x2E0, 0x2E4, 'a'},     {0x345, 0x345, 'a'},
        {0x37A, 0x37A, 'a'},     {0x1D2C, 0x1D6A, 'a'},   {0x1D78, 0x1D78, 'a'},
        {0x1D9B, 0x1DBF, 'a'},   {0x2071, 0x2071, 'a'},   {0x207F, 0x207F, 'a'},
        {0x2090, 0x209C, 'a'},   {0x2160, 0x216F, 'A'},   {0x2170, 0x217F, 'a'},
        {0x24B6, 0x24CF, 'A'},   {0x24D0, 0x24E9, 'a'},   {0x2C7C, 0x2C7D, 'a'},
        {0xA69C, 0xA69D, 'a'},   {0xA770, 0xA770, 'a'},   {0xA7F8, 0xA7F9, 'a'},
        {0xAB5C, 0xAB5F, 'a'},   {0x1F130, 0x1F149, 'A'}, {0x1F150, 0x1F169, 'A'},
        {0x1F170, 0x1F189, 'A'},
    };
    if (c < 0x80) return c >= 'A' && c <= 'Z' ? 'A' : c >= 'a' && c <= 'z' ? 'a' : 0;
    for (size_t i = 0; i < FT__COUNT(others) && c >= others[i][0]; i++)
        if (c <= others[i][1]) return (int)others[i][2];
    ft__char_class k = ft__char_class_of(c);
    return k == FT__UNICODE_LU ? 'A' : k == FT__UNICODE_LL ? 'a' : k == FT__UNICODE_LT ? 't' : 0;
}

FT__PRIV bool ft__instruct_all(ft__view v, int wanted) {
    bool any = false;
    for (const char *p = v.text, *end = p + v.n; p < end;) {
        int letter = ft__instruct_case(ft__utf8_next(&p, end));
        if (letter && letter != wanted) return false;
        any |= letter != 0;
    }
    return any;
}

/* ---- JSON as json.loads() reads it */

static const char *ft__instruct_json_blank(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) p++;
    return p;
}

static const char *ft__instruct_digits(const char *p, const char *end) {
    while (p < end && *p >= '0' && *p <= '9') p++;
    return p;
}

/* Past a string that begins here; NULL: it is none. */
static const char *ft__instruct_json_string(const char *p, const char *end) {
    if (p == end || *p++ != '"') return NULL;
    for (; p < end && *p != '"'; p++) {
        if ((uint8_t)*p < ' ') return NULL;
        if (*p != '\\') continue;
        if (++p == end || !*p || !strchr("\"\\/bfnrtu", *p)) return NULL;
        for (int i = 0; *p == 'u' && i < 4; i++)
            if (end - p < 5 || !p[i + 1] || !strchr("0123456789abcdefABCDEF", p[i + 1]))
                return NULL;
    }
    return p < end ? p + 1 : NULL;
}

/* Past a word or a number. */
static const char *ft__instruct_json_scalar(const char *p, const char *end) {
    static const char *const words[] = {"null", "true", "false", "NaN", "Infinity", "-Infinity"};
    const char *digits, *q;
    for (size_t i = 0; i < FT__COUNT(words); i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(end - p) >= n && memcmp(p, words[i], n) == 0) return p + n;
    }
    if (p < end && *p == '-') p++;
    digits = p;
    p = ft__instruct_digits(p, end);
    if (p == digits || (*digits == '0' && p > digits + 1)) return NULL;
    if (p < end && *p == '.') {
        q = ft__instruct_digits(p + 1, end);
        if (q == p + 1) return NULL;
        p = q;
    }
    if (p < end && (*p | 0x20) == 'e') {
        q = p + 1;
        if (q < end && (*q == '+' || *q == '-')) q++;
        p = ft__instruct_digits(q, end);
        if (p == q) return NULL;
    }
    return p;
}

/* Past a key and its colon. */
static const char *ft__instruct_json_key(const char *p, const char *end) {
    p = ft__instruct_json_string(ft__instruct_json_blank(p, end), end);
    if (p) p = ft__instruct_json_blank(p, end);
    return p && p < end && *p == ':' ? p + 1 : NULL;
}

FT__PRIV bool ft__instruct_json_valid(const char *p, const char *end, ft__buf *open) {
    for (;;) {
        p = ft__instruct_json_blank(p, end);
        if (p < end && (*p == '{' || *p == '[')) {
            const char *inside = ft__instruct_json_blank(p + 1, end);
            char close = *p == '{' ? '}' : ']';
            ft__buf_byte(open, close);
            if (open->failed) return false;
            p = inside;
            if (p == end) return false;
            if (*p != close) {
                if (close == '}' && (p = ft__instruct_json_key(p, end)) == NULL) return false;
                continue;
            }
        } else {
            p = p < end && *p == '"' ? ft__instruct_json_string(p, end)
                                     : ft__instruct_json_scalar(p, end);
            if (!p) return false;
        }
        /* Behind a value: brackets close, or a comma brings the next one. */
        p = ft__instruct_json_blank(p, end);
        while (open->len && p < end && *p == open->data[open->len - 1]) {
            open->len--;
            p = ft__instruct_json_blank(p + 1, end);
        }
        if (!open->len) return p == end;
        if (p == end || *p++ != ',') return false;
        if (open->data[open->len - 1] == '}' && (p = ft__instruct_json_key(p, end)) == NULL)
            return false;
    }
}

/* ---- words in capitals */

/* Where the tokenizer cuts a word in two: "DO|N'T", "IT|'S", "CAN|NOT"; 0: nowhere. */
static size_t ft__instruct_cut(ft__view word) {
    static const char *const endings[] = {"'S", "'M", "'D", "'LL", "'RE", "'VE", "N'T", "'"};
    static const struct {
        const char *word;
        size_t at;
    } pairs[] = {{"CANNOT", 3}, {"GIMME", 3}, {"GONNA", 3}, {"GOTTA", 3}, {"LEMME", 3},
                 {"WANNA", 3},  {"D'YE", 1},  {"'TIS", 2},  {"'TWAS", 2}};
    for (size_t i = 0; i < FT__COUNT(pairs); i++)
        if (ft__text_is(word, pairs[i].word)) return pairs[i].at;
    for (size_t i = 0; i < FT__COUNT(endings); i++) {
        size_t n = strlen(endings[i]);
        if (word.n > n && memcmp(word.text + word.n - n, endings[i], n) == 0 &&
            word.text[word.n - n - 1] != '\'')
            return word.n - n;
    }
    return 0;
}

/* Tokens in capitals of a word that may be cut at its end.  A full stop there is that of a
   sentence, a token of its own, or changes nothing. */
static size_t ft__instruct_capital_parts(ft__view word) {
    size_t count = 0, cut;
    while (word.n && word.text[word.n - 1] == '.') word.n--;
    while ((cut = ft__instruct_cut(word)) != 0) {
        ft__view tail = {word.text + cut, word.n - cut};
        count += ft__instruct_all(tail, 'A');
        word.n = cut;
    }
    return count + ft__instruct_all(word, 'A');
}

/* The same of a text without white space and without the marks that are tokens of their own.  An
   apostrophe before a single letter is one, unless that letter is M, T, S, D or N. */
static size_t ft__instruct_capitals_in(ft__view word) {
    const char *begin = word.text, *end = begin + word.n;
    size_t count = 0;
    for (const char *p = begin + 1; p < end; p++) {
        const char *next = p;
        if (p[-1] != '\'' || strchr("MTSDNmtsdn", *p)) continue;
        if (!ft__is_word(ft__utf8_next(&next, end))) continue;
        if (next < end && ft__is_word(ft__utf8_next(&next, end))) continue;
        ft__view head = {begin, (size_t)(p - 1 - begin)};
        count += ft__instruct_capital_parts(head);
        begin = p;
    }
    word.text = begin;
    word.n = (size_t)(end - begin);
    return count + ft__instruct_capital_parts(word);
}

/* The length of a mark that the tokenizer sets apart, or of white space; 0: part of a word. */
static size_t ft__instruct_mark(const char *p, const char *end) {
    const char *q = p;
    char c = *p;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return 0;
    if (c && strchr("\";@#$%&?!*[](){}<>`", c)) return 1;
    if (c == '.' || c == '-') return end - p > 1 && p[1] == c ? 2 : 0;
    if (c == ',' || c == ':') {
        q++;
        return q == end || ft__char_class_of(ft__utf8_next(&q, end)) != FT__UNICODE_ND;
    }
    if (c == '\'') return end - p > 1 && p[1] == '\'' ? 2 : 0;
    uint32_t u = ft__utf8_next(&q, end);
    bool quote = u == 0xAB || u == 0xBB || u == 0x2018 || u == 0x2019 ||
                 (u >= 0x201C && u <= 0x201E);
    return quote || ft__is_space(u) ? (size_t)(q - p) : 0;
}

FT__PRIV size_t ft__instruct_capitals(ft__view text) {
    size_t count = 0, n = 0;
    const char *p = text.text, *end = p + text.n;
    while (p < end) {
        ft__view word = {p, 0};
        while (p < end && (n = ft__instruct_mark(p, end)) == 0) p++;
        word.n = (size_t)(p - word.text);
        if (word.n) count += ft__instruct_capitals_in(word);
        if (p < end) p += n;
    }
    return count;
}

