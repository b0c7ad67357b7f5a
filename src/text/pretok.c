/* Pre-tokenizers: how a text is cut into the pieces that byte-level BPE merges within.

   A model publishes its cuts as one or more regular expressions, applied one after the other, each
   to every piece the one before left; what matches and what lies between are pieces both.  Here a
   class is such a list of steps, a step a list of rules tried in order where the text stands.  A rule
   is nearly always "perhaps one of these characters, then a run of those, then some of those"; the
   others are white space, contractions, words in which capitals come first, digits counted from the
   right, and what single families made up.  No rule looks at a character more than a fixed number of
   times, whatever the text: white space, where the patterns look ahead, is measured once per run.

   Characters are told apart by cells: the Unicode classes of io/unicode.c, with the ASCII characters
   that some pattern names in cells of their own.  A byte that is not UTF-8 counts as U+FFFD. */
#include "text.h"

#define FT__PRETOK_STEPS 6

enum { /* cells; the first ones are those of ft__char_class */
    FT__CELL_UPPER = FT__UNICODE_C + 1, FT__CELL_LOWER, FT__CELL_DIGIT, FT__CELL_BLANK, FT__CELL_NEWLINE,
    FT__CELL_SLASH, FT__CELL_PUNCT, FT__CELL_SIGN, FT__CELL_BACKTICK
};

static const char ft__pretok_ascii[] = /* 'A' + cell */
    "MMMMMMMMMLRLLRMMMMMMMMMMMMMMMMMMQTTTUTTTTTTUTTTSPPPPPPPPPPTTUUUT"
    "TNNNNNNNNNNNNNNNNNNNNNNNNNNTTTUTVOOOOOOOOOOOOOOOOOOOOOOOOOOTUTUM";

#define FT__BIT(cell) (1u << (cell))
#define FT__SET_SPACE \
    (FT__BIT(FT__UNICODE_Z) | FT__BIT(FT__UNICODE_CONTROL_SPACE) | FT__BIT(FT__CELL_BLANK) | \
     FT__BIT(FT__CELL_NEWLINE))
#define FT__SET_L (FT__CLASS_L | FT__BIT(FT__CELL_UPPER) | FT__BIT(FT__CELL_LOWER))
#define FT__SET_N (FT__CLASS_N | FT__BIT(FT__CELL_DIGIT))
#define FT__SET_M FT__BIT(FT__UNICODE_M)
#define FT__SET_ASCII_P (FT__BIT(FT__CELL_PUNCT) | FT__BIT(FT__CELL_SLASH))
#define FT__SET_ASCII_S (FT__BIT(FT__CELL_SIGN) | FT__BIT(FT__CELL_BACKTICK))
#define FT__SET_P (FT__BIT(FT__UNICODE_P) | FT__SET_ASCII_P)
#define FT__SET_S (FT__BIT(FT__UNICODE_S) | FT__SET_ASCII_S)
#define FT__SET_AZ (FT__BIT(FT__CELL_UPPER) | FT__BIT(FT__CELL_LOWER))
#define FT__SET_ALL ((FT__BIT(FT__CELL_BACKTICK) << 1) - 1)
#define FT__SET_OTHER (FT__SET_ALL & ~(FT__SET_SPACE | FT__SET_L | FT__SET_N))
#define FT__SET_ND (FT__BIT(FT__UNICODE_ND) | FT__BIT(FT__CELL_DIGIT))
/* In words of capitals, then small letters, other letters and marks are both. */
#define FT__SET_CASELESS \
    (FT__BIT(FT__UNICODE_LM) | FT__BIT(FT__UNICODE_LO) | FT__SET_M)
#define FT__SET_HIGH \
    (FT__BIT(FT__UNICODE_LU) | FT__BIT(FT__UNICODE_LT) | FT__BIT(FT__CELL_UPPER) | FT__SET_CASELESS)
#define FT__SET_LOW (FT__BIT(FT__UNICODE_LL) | FT__BIT(FT__CELL_LOWER) | FT__SET_CASELESS)

/* Characters of these cells and ranges, but not of those. Ranges are pairs, ascending, 0 ends. */
typedef struct ft__pretok_set {
    uint32_t cells;
    const uint32_t *plus, *minus;
} ft__pretok_set;

typedef enum ft__pretok_op {
    FT__PRETOK_RUN,          /* lead? body{1,max} tail{0,tail_max}; the lead a must if so flagged */
    FT__PRETOK_CASED,        /* lead? body* tail+ or lead? body+ tail*, perhaps a contraction */
    FT__PRETOK_CONTRACTION,  /* 's 't 're 've 'm 'll 'd */
    FT__PRETOK_WHITE,        /* \s*[\r\n]+ if flagged, \s+(?!\S), \s+ if flagged */
    FT__PRETOK_WHITE_END,    /* \s+$ */
    FT__PRETOK_WHITE_POWERS, /* \s*[\r\n]+, powers of two of white space: jais-2 */
    FT__PRETOK_WORDS,        /* lead? words with single blanks between: exaone-moe */
    FT__PRETOK_SENTINEL, FT__PRETOK_IMAGE, FT__PRETOK_BLANKS, /* chameleon */
    FT__PRETOK_RIGHT,        /* whole steps: threes of digits, counted from the right, each a piece; */
    FT__PRETOK_RIGHT_WORD,   /*   only where no letter follows the digits; */
    FT__PRETOK_RIGHT_CUT     /*   the digits left of the threes stay with what precedes */
} ft__pretok_op;

enum { FT__PRETOK_ANY_CASE = 1, FT__PRETOK_MUST = 2, FT__PRETOK_NEWLINES = 4, FT__PRETOK_REST = 8,
       FT__PRETOK_SUFFIX = 16 };

typedef struct ft__pretok_rule {
    ft__pretok_op op;
    unsigned flags;
    const ft__pretok_set *lead, *body, *tail; /* NULL: none */
    uint32_t max, tail_max;                   /* 0: any number */
} ft__pretok_rule;

typedef struct ft__pretok_step {
    const ft__pretok_rule *rules;
    size_t n_rules;
} ft__pretok_step;

/* ---- sets of characters */

static const uint32_t ft__pretok_han_ranges[] = {
    0x2E80, 0x2E99, 0x2E9B, 0x2EF3, 0x2F00, 0x2FD5, 0x3005, 0x3005, 0x3007, 0x3007, 0x3021, 0x3029,
    0x3038, 0x303B, 0x3400, 0x4DBF, 0x4E00, 0x9FFF, 0xF900, 0xFA6D, 0xFA70, 0xFAD9, 0x16FE2, 0x16FE3,
    0x16FF0, 0x16FF1, 0x20000, 0x2A6DF, 0x2A700, 0x2B739, 0x2B740, 0x2B81D, 0x2B820, 0x2CEA1,
    0x2CEB0, 0x2EBE0, 0x2F800, 0x2FA1D, 0x30000, 0x3134A, 0x31350, 0x323AF, 0};
/* DeepSeek LLM's letters: those with a case when its pattern was written. */
static const uint32_t ft__pretok_llm_letters[] = {
    0xB5, 0xB5, 0xC0, 0xD6, 0xD8, 0xF6, 0xF8, 0x1BA, 0x1BC, 0x1BF, 0x1C4, 0x293, 0x295, 0x2AF,
    0x370, 0x373, 0x376, 0x377, 0x37B, 0x37D, 0x37F, 0x37F, 0x386, 0x386, 0x388, 0x38A, 0x38C, 0x38C,
    0x38E, 0x3A1, 0x3A3, 0x3F5, 0x3F7, 0x481, 0x48A, 0x52F, 0x531, 0x556, 0x10A0, 0x10C5,
    0x13A0, 0x13F5, 0x13F8, 0x13FD, 0x1C90, 0x1CBA, 0x1CBD, 0x1CBF, 0x1D00, 0x1D2B, 0x1D6B, 0x1D77,
    0x1D79, 0x1D9A, 0x1E00, 0x1F15, 0x1F18, 0x1F1D, 0x1F20, 0x1F45, 0x1F48, 0x1F4D, 0x1F50, 0x1F57,
    0x1F59, 0x1F59, 0x1F5B, 0x1F5B, 0x1F5D, 0x1F5D, 0x1F5F, 0x1F7D, 0x1F80, 0x1FB4, 0x1FB6, 0x1FBC,
    0x1FBE, 0x1FBE, 0x1FC2, 0x1FC4, 0x1FC6, 0x1FCC, 0x1FD0, 0x1FD3, 0x1FD6, 0x1FDB, 0x1FE0, 0x1FEC,
    0x1FF2, 0x1FF4, 0x1FF6, 0x1FFC, 0x2102, 0x2102, 0x2107, 0x2107, 0x210A, 0x2113, 0x2115, 0x2115,
    0x2119, 0x211D, 0x2124, 0x2124, 0x2126, 0x2126, 0x2128, 0x2128, 0x212A, 0x212D, 0x212F, 0x2134,
    0x2139, 0x2139, 0x213C, 0x213F, 0x2145, 0x2149, 0x214E, 0x214E, 0x2183, 0x2184, 0x2C00, 0x2C7B,
    0x2C7E, 0x2CE4, 0x2CEB, 0x2CEE, 0x2CF2, 0x2CF3, 0xA640, 0xA66D, 0xA680, 0xA69B, 0xA722, 0xA76F,
    0xA771, 0xA787, 0xA78B, 0xA78E, 0xAB70, 0xABBF, 0xFB00, 0xFB06, 0xFB13, 0xFB17, 0xFF21, 0xFF3A,
    0xFF41, 0xFF5A, 0x10400, 0x1044F, 0x104B0, 0x104D3, 0x104D8, 0x104FB, 0x10C80, 0x10CB2,
    0x10CC0, 0x10CF2, 0x118A0, 0x118DF, 0x1E900, 0x1E943, 0};
static const uint32_t ft__pretok_llm_marks[] = {
    0x2018, 0x201F, 0x3000, 0x3002, 0xFF01, 0xFF0F, 0xFF1A, 0xFF5E, 0};
static const uint32_t ft__pretok_cjk_ranges[] = {0x800, 0x9FA5, 0xAC00, 0xD7FF, 0};
static const uint32_t ft__pretok_han_kana_ranges[] = {0x3040, 0x30FF, 0x4E00, 0x9FA5, 0};
static const uint32_t ft__pretok_poro_stops[] = {
    0x21, 0x21, 0x28, 0x29, 0x2C, 0x2C, 0x2E, 0x2E, 0x3F, 0x3F, 0x7C, 0x7C, 0x60C, 0x60C,
    0x6D4, 0x6D4, 0x964, 0x964, 0x2026, 0x2026, 0x3001, 0x3002, 0xFF0C, 0xFF0C, 0};
static const uint32_t ft__pretok_hangul_ranges[] = {0x3131, 0x318E, 0xAC00, 0xD7A3, 0};
static const uint32_t ft__pretok_cjk_marks[] = {
    0x2014, 0x2014, 0x2018, 0x2019, 0x201C, 0x201D, 0x2026, 0x2026, 0x3001, 0x303F, 0xFE30, 0xFE4F,
    0xFF01, 0xFF01, 0xFF0C, 0xFF0C, 0xFF1A, 0xFF1B, 0};
static const uint32_t ft__pretok_bopomofo_ranges[] = {0x3105, 0x312F, 0};
static const uint32_t ft__pretok_no_blanks_ranges[] = { /* scripts written without blanks: afmoe */
    0xE00, 0xEFF, 0x1000, 0x109F, 0x1100, 0x11FF, 0x1780, 0x17FF, 0x2F00, 0x2FDF, 0x3040, 0x30FF,
    0x3400, 0x4DBF, 0x4E00, 0x9FFF, 0xA9E0, 0xA9FF, 0xAA60, 0xAA7F, 0xAC00, 0xD7AF, 0xF900, 0xFAFF,
    0xFF65, 0xFF9F, 0};
/* Also part of words: connector punctuation, and numbers and symbols that are letters (Roman numerals ...). */
static const uint32_t ft__pretok_word_others[] = {
    0x5F, 0x5F, 0x16EE, 0x16F0, 0x203F, 0x2040, 0x2054, 0x2054, 0x2160, 0x2188, 0x24B6, 0x24E9,
    0x3007, 0x3007, 0x3021, 0x3029, 0x3038, 0x303A, 0xA6E6, 0xA6EF, 0xFE33, 0xFE34, 0xFE4D, 0xFE4F,
    0xFF3F, 0xFF3F, 0x10140, 0x10174, 0x10341, 0x10341, 0x1034A, 0x1034A, 0x103D1, 0x103D5,
    0x12400, 0x1246E, 0x1F130, 0x1F149, 0x1F150, 0x1F169, 0x1F170, 0x1F189, 0};

#define FT__SET(name, cells, plus, minus) \
    static const ft__pretok_set ft__pretok_##name = {(cells), plus, minus}
FT__SET(blank, FT__BIT(FT__CELL_BLANK), NULL, NULL);
FT__SET(newline, FT__BIT(FT__CELL_NEWLINE), NULL, NULL);
FT__SET(newline_slash, FT__BIT(FT__CELL_NEWLINE) | FT__BIT(FT__CELL_SLASH), NULL, NULL);
FT__SET(space, FT__SET_SPACE, NULL, NULL);
FT__SET(letter, FT__SET_L, NULL, NULL);
FT__SET(letter_mark, FT__SET_L | FT__SET_M, NULL, NULL);
FT__SET(latin, FT__SET_AZ, NULL, NULL);
FT__SET(number, FT__SET_N, NULL, NULL);
FT__SET(ascii_digit, FT__BIT(FT__CELL_DIGIT), NULL, NULL);
FT__SET(decimal, FT__SET_ND, NULL, NULL);
FT__SET(punct, FT__SET_P, NULL, NULL);
FT__SET(punct_ascii, FT__SET_P | FT__SET_ASCII_S, NULL, NULL);
FT__SET(punct_signs, FT__SET_P | FT__BIT(FT__CELL_SIGN), NULL, NULL);
FT__SET(punct_symbol, FT__SET_P | FT__SET_S, NULL, NULL);
FT__SET(ascii_punct, FT__SET_ASCII_P | FT__SET_ASCII_S, NULL, NULL);
FT__SET(other, FT__SET_OTHER, NULL, NULL);
FT__SET(other_unmarked, FT__SET_OTHER & ~FT__SET_M, NULL, NULL);
FT__SET(word, FT__SET_L | FT__SET_M | FT__SET_ND, ft__pretok_word_others, NULL); /* \w */
/* What may stand before a word and belong to it. */
FT__SET(lead, FT__SET_ALL & ~(FT__SET_L | FT__SET_N | FT__BIT(FT__CELL_NEWLINE)), NULL, NULL);
FT__SET(v3_lead, FT__SET_ALL & ~(FT__SET_L | FT__SET_P | FT__SET_S | FT__BIT(FT__CELL_NEWLINE)), NULL,
        NULL);
/* Words of capitals, then small letters: other letters and marks are both. */
FT__SET(high, FT__SET_HIGH, NULL, NULL);
FT__SET(low, FT__SET_LOW, NULL, NULL);
FT__SET(high_not_han, FT__SET_HIGH, NULL, ft__pretok_han_ranges);
FT__SET(low_not_han, FT__SET_LOW, NULL, ft__pretok_han_ranges);
FT__SET(han, 0, ft__pretok_han_ranges, NULL);
FT__SET(llm_letter, FT__SET_AZ, ft__pretok_llm_letters, NULL);
FT__SET(llm_mark, FT__SET_AZ | FT__SET_ASCII_P | FT__SET_ASCII_S, ft__pretok_llm_marks, NULL);
FT__SET(cjk, 0, ft__pretok_cjk_ranges, NULL);
FT__SET(han_kana, 0, ft__pretok_han_kana_ranges, NULL);
FT__SET(poro, FT__SET_ALL & ~FT__SET_SPACE, NULL, ft__pretok_poro_stops);
FT__SET(hangul, 0, ft__pretok_hangul_ranges, NULL);
FT__SET(cjk_mark, 0, ft__pretok_cjk_marks, NULL);
FT__SET(bopomofo, 0, ft__pretok_bopomofo_ranges, NULL);
FT__SET(no_blanks, 0, ft__pretok_no_blanks_ranges, NULL);

/* ---- the classes */

#define FT__RUN(lead, body, max, tail) \
    {FT__PRETOK_RUN, 0, lead, &ft__pretok_##body, tail, (max), 0}
#define FT__OP(op, flags) {FT__PRETOK_##op, (flags), NULL, NULL, NULL, 0, 0}
#define FT__CASED(flags, high, low) \
    {FT__PRETOK_CASED, (flags), &ft__pretok_lead, &ft__pretok_##high, &ft__pretok_##low, 0, 0}
#define FT__CONTRACTION FT__OP(CONTRACTION, FT__PRETOK_ANY_CASE)
#define FT__WHITE FT__OP(WHITE, FT__PRETOK_NEWLINES | FT__PRETOK_REST)
#define FT__OTHER(tail) FT__RUN(&ft__pretok_blank, other, 0, tail)
#define FT__GPT2 \
    FT__OP(CONTRACTION, 0), FT__RUN(&ft__pretok_blank, letter, 0, NULL), \
    FT__RUN(&ft__pretok_blank, number, 0, NULL), FT__OTHER(NULL)
#define FT__RULES(name) static const ft__pretok_rule ft__pretok_##name[]
FT__RULES(gpt2) = {FT__GPT2, FT__OP(WHITE, FT__PRETOK_REST)};
FT__RULES(gpt2_short) = {FT__GPT2, FT__OP(WHITE, 0)};
FT__RULES(llama) = {
    FT__CONTRACTION, FT__RUN(&ft__pretok_lead, letter, 0, NULL), FT__RUN(NULL, number, 3, NULL),
    FT__OTHER(&ft__pretok_newline), FT__WHITE};
FT__RULES(qwen2) = {
    FT__CONTRACTION, FT__RUN(&ft__pretok_lead, letter, 0, NULL), FT__RUN(NULL, number, 1, NULL),
    FT__OTHER(&ft__pretok_newline), FT__WHITE};
FT__RULES(qwen35) = {
    FT__CONTRACTION, FT__RUN(&ft__pretok_lead, letter_mark, 0, NULL), FT__RUN(NULL, number, 1, NULL),
    FT__RUN(&ft__pretok_blank, other_unmarked, 0, &ft__pretok_newline), FT__WHITE};
FT__RULES(o200k) = {
    FT__CASED(FT__PRETOK_SUFFIX, high, low), FT__RUN(NULL, number, 3, NULL),
    FT__OTHER(&ft__pretok_newline_slash), FT__WHITE};
FT__RULES(o200k_digit) = {
    FT__CASED(FT__PRETOK_SUFFIX, high, low), FT__RUN(NULL, number, 1, NULL),
    FT__OTHER(&ft__pretok_newline_slash), FT__WHITE};
FT__RULES(tekken) = {
    FT__CASED(0, high, low), FT__RUN(NULL, number, 1, NULL), FT__OTHER(&ft__pretok_newline_slash),
    FT__WHITE};
FT__RULES(kimi) = {
    FT__RUN(NULL, han, 0, NULL), FT__CASED(FT__PRETOK_SUFFIX, high_not_han, low_not_han),
    FT__RUN(NULL, number, 3, NULL), FT__OTHER(&ft__pretok_newline), FT__WHITE};
FT__RULES(v3) = {
    {FT__PRETOK_RUN, FT__PRETOK_MUST, &ft__pretok_ascii_punct, &ft__pretok_latin, NULL, 0, 0},
    FT__RUN(&ft__pretok_v3_lead, letter_mark, 0, NULL),
    FT__RUN(&ft__pretok_blank, punct_symbol, 0, &ft__pretok_newline), FT__WHITE};
FT__RULES(jais2) = {
    FT__CONTRACTION, FT__RUN(&ft__pretok_lead, letter, 0, NULL), FT__RUN(NULL, number, 3, NULL),
    FT__OTHER(&ft__pretok_newline), FT__OP(WHITE_POWERS, 0)};
FT__RULES(seed) = {
    FT__CONTRACTION, FT__RUN(&ft__pretok_lead, letter, 0, NULL), FT__RUN(NULL, number, 1, NULL),
    FT__OTHER(NULL), FT__WHITE};
FT__RULES(exaone_moe) = {
    FT__CONTRACTION, {FT__PRETOK_WORDS, 0, &ft__pretok_lead, NULL, NULL, 0, 0},
    FT__RUN(NULL, number, 1, NULL),
    {FT__PRETOK_RUN, 0, &ft__pretok_blank, &ft__pretok_other, &ft__pretok_newline_slash, 0, 1},
    FT__WHITE};
FT__RULES(one_newline) = {FT__RUN(NULL, newline, 1, NULL)};
FT__RULES(one_number) = {FT__RUN(NULL, number, 1, NULL)};
FT__RULES(three_numbers) = {FT__RUN(NULL, number, 3, NULL)};
FT__RULES(numbers) = {FT__RUN(NULL, number, 0, NULL)};
FT__RULES(llm_letters_rule) = {FT__RUN(&ft__pretok_space, llm_letter, 0, NULL)};
FT__RULES(llm_marks_rule) = {FT__RUN(&ft__pretok_space, llm_mark, 0, NULL)};
FT__RULES(letters) = {FT__RUN(&ft__pretok_space, letter, 0, NULL)};
FT__RULES(marks) = {FT__RUN(&ft__pretok_space, punct, 0, NULL)};
FT__RULES(white_end) = {FT__OP(WHITE_END, 0)};
FT__RULES(cjk_run) = {FT__RUN(NULL, cjk, 0, NULL)};
FT__RULES(han_kana_run) = {FT__RUN(NULL, han_kana, 0, NULL)};
FT__RULES(falcon_marks) = {FT__RUN(NULL, punct_ascii, 0, NULL)};
FT__RULES(default_marks) = {FT__RUN(NULL, punct_signs, 0, NULL)};
/* Three digits at a time; "max 3, but not less" is what [0-9][0-9][0-9] says. */
FT__RULES(three_digits) = {
    {FT__PRETOK_RUN, FT__PRETOK_MUST, NULL, &ft__pretok_ascii_digit, NULL, 3, 0}};
FT__RULES(poro_run) = {FT__RUN(&ft__pretok_blank, poro, 0, NULL)};
FT__RULES(right) = {FT__OP(RIGHT, 0)};
FT__RULES(right_word) = {FT__OP(RIGHT_WORD, 0)};
FT__RULES(right_cut) = {FT__OP(RIGHT_CUT, 0)};
FT__RULES(sentinel) = {FT__OP(SENTINEL, 0)};
FT__RULES(image) = {FT__OP(IMAGE, 0)};
FT__RULES(blanks) = {FT__OP(BLANKS, 0)};
FT__RULES(one_mark) = {FT__RUN(NULL, punct_ascii, 1, NULL)};
FT__RULES(youtu) = {
    FT__RUN(NULL, hangul, 0, NULL), FT__RUN(NULL, cjk_mark, 0, NULL),
    FT__RUN(NULL, bopomofo, 0, NULL), FT__RUN(NULL, han_kana, 0, NULL)};
FT__RULES(no_blanks_run) = {FT__RUN(NULL, no_blanks, 0, NULL)};

#define FT__STEP(name) {ft__pretok_##name, FT__COUNT(ft__pretok_##name)}
#define FT__END {NULL, 0}

typedef enum ft__pretok_class {
    FT__PRETOK_GPT2, FT__PRETOK_STARCODER, FT__PRETOK_LLAMA, FT__PRETOK_QWEN2, FT__PRETOK_QWEN35,
    FT__PRETOK_GPT4O, FT__PRETOK_TEKKEN, FT__PRETOK_DEEPSEEK_LLM, FT__PRETOK_DEEPSEEK_CODER,
    FT__PRETOK_DEEPSEEK_V3, FT__PRETOK_FALCON, FT__PRETOK_DEFAULT, FT__PRETOK_PORO, FT__PRETOK_VIKING,
    FT__PRETOK_KIMI, FT__PRETOK_JAIS2, FT__PRETOK_SEED, FT__PRETOK_SUPERBPE, FT__PRETOK_CHAMELEON,
    FT__PRETOK_TINY_AYA, FT__PRETOK_YOUTU, FT__PRETOK_EXAONE_MOE, FT__PRETOK_AFMOE
} ft__pretok_class;

static const ft__pretok_step ft__pretok_steps[][FT__PRETOK_STEPS] = { /* by class */
    {FT__STEP(gpt2), FT__END, FT__END, FT__END, FT__END, FT__END},
    {FT__STEP(one_number), FT__STEP(gpt2), FT__END, FT__END, FT__END, FT__END},
    {FT__STEP(llama), FT__END, FT__END, FT__END, FT__END, FT__END},
    {FT__STEP(qwen2), FT__END, FT__END, FT__END, FT__END, FT__END},
    {FT__STEP(qwen35), FT__END, FT__END, FT__END, FT__END, FT__END},
    {FT__STEP(o200k), FT__END, FT__END, FT__END, FT__END, FT__END},
    {FT__STEP(tekken), FT__END, FT__END, FT__END, FT__END, FT__END},
    {FT__STEP(one_newline), FT__STEP(llm_letters_rule), FT__STEP(llm_marks_rule),
     FT__STEP(white_end), FT__STEP(cjk_run), FT__STEP(one_number)},
    {FT__STEP(one_newline), FT__STEP(letters), FT__STEP(marks), FT__STEP(cjk_run),
     FT__STEP(one_number), FT__END},
    {FT__STEP(three_numbers), FT__STEP(han_kana_run), FT__STEP(v3), FT__END, FT__END, FT__END},
    {FT__STEP(falcon_marks), FT__STEP(gpt2), FT__STEP(three_digits), FT__END, FT__END, FT__END},
    {FT__STEP(default_marks), FT__STEP(gpt2_short), FT__STEP(numbers), FT__STEP(three_digits),
     FT__END, FT__END},
    {FT__STEP(poro_run), FT__END, FT__END, FT__END, FT__END, FT__END},
    {FT__STEP(poro_run), FT__STEP(one_number), FT__END, FT__END, FT__END, FT__END},
    {FT__STEP(kimi), FT__END, FT__END, FT__END, FT__END, FT__END},
    {FT__STEP(jais2), FT__END, FT__END, FT__END, FT__END, FT__END},
    {FT__STEP(seed), FT__END, FT__END, FT__END, FT__END, FT__END},
    {FT__STEP(numbers), FT__STEP(right_cut), FT__END, FT__END, FT__END, FT__END},
    {FT__STEP(sentinel), FT__STEP(image), FT__STEP(blanks), FT__STEP(one_number),
     FT__STEP(one_mark), FT__STEP(gpt2)},
    {FT__STEP(right_word), FT__STEP(o200k), FT__END, FT__END, FT__END, FT__END},
    {FT__STEP(youtu), FT__STEP(o200k_digit), FT__END, FT__END, FT__END, FT__END},
    {FT__STEP(exaone_moe), FT__END, FT__END, FT__END, FT__END, FT__END},
    {FT__STEP(right), FT__STEP(no_blanks_run), FT__STEP(v3), FT__END, FT__END, FT__END},
};

/* The values of tokenizer.ggml.pre. NFC: the tokenizer that the model's makers published normalises;
   a file without the key is GPT-NeoX's or older than the key. */
static const ft__pretok ft__pretok_names[] = {
    {"default", FT__PRETOK_DEFAULT, FT__PRETOK_NFC},
    {"gpt-2", FT__PRETOK_GPT2, 0}, {"phi-2", FT__PRETOK_GPT2, 0}, {"jais", FT__PRETOK_GPT2, 0},
    {"mpt", FT__PRETOK_GPT2, FT__PRETOK_NFC}, {"olmo", FT__PRETOK_GPT2, FT__PRETOK_NFC},
    {"trillion", FT__PRETOK_GPT2, 0}, {"granite-docling", FT__PRETOK_GPT2, 0},
    {"gigachat", FT__PRETOK_GPT2, 0}, {"exaone4", FT__PRETOK_GPT2, 0},
    {"mellum", FT__PRETOK_GPT2, 0}, {"a.x-4.0", FT__PRETOK_GPT2, 0},
    {"modern-bert", FT__PRETOK_GPT2, 0}, {"jina-es", FT__PRETOK_GPT2, 0},
    {"jina-de", FT__PRETOK_GPT2, 0}, {"jina-v2-es", FT__PRETOK_GPT2, 0},
    {"jina-v2-de", FT__PRETOK_GPT2, 0}, {"roberta-bpe", FT__PRETOK_GPT2, 0},
    {"jina-v1-en", FT__PRETOK_GPT2, 0},
    {"jina-v2-code", FT__PRETOK_GPT2, 0},
    {"starcoder", FT__PRETOK_STARCODER, 0}, {"refact", FT__PRETOK_STARCODER, 0},
    {"smollm", FT__PRETOK_STARCODER, 0}, {"codeshell", FT__PRETOK_STARCODER, 0},
    {"command-r", FT__PRETOK_STARCODER, FT__PRETOK_NFC}, {"exaone", FT__PRETOK_STARCODER, 0},
    {"minerva-7b", FT__PRETOK_STARCODER, 0}, {"mellum2", FT__PRETOK_STARCODER, 0},
    {"cohere2_moe", FT__PRETOK_STARCODER, FT__PRETOK_NFC},
    {"llama-bpe", FT__PRETOK_LLAMA, FT__PRETOK_WHOLE | FT__PRETOK_BOS},
    {"llama3", FT__PRETOK_LLAMA, FT__PRETOK_WHOLE | FT__PRETOK_BOS},
    {"llama-v3", FT__PRETOK_LLAMA, FT__PRETOK_WHOLE | FT__PRETOK_BOS},
    {"falcon3", FT__PRETOK_LLAMA, FT__PRETOK_WHOLE | FT__PRETOK_BOS},
    {"falcon-h1", FT__PRETOK_LLAMA, FT__PRETOK_WHOLE | FT__PRETOK_BOS},
    {"pixtral", FT__PRETOK_LLAMA, FT__PRETOK_WHOLE | FT__PRETOK_BOS},
    {"lfm2", FT__PRETOK_LLAMA, FT__PRETOK_WHOLE | FT__PRETOK_BOS},
    {"midm-2.0", FT__PRETOK_LLAMA, FT__PRETOK_WHOLE | FT__PRETOK_BOS},
    {"jina-v5-nano", FT__PRETOK_LLAMA, FT__PRETOK_WHOLE | FT__PRETOK_BOS},
    {"dbrx", FT__PRETOK_LLAMA, 0}, {"smaug-bpe", FT__PRETOK_LLAMA, 0},
    {"glm4", FT__PRETOK_LLAMA, 0}, {"chatglm-bpe", FT__PRETOK_LLAMA, 0},
    {"qwen2", FT__PRETOK_QWEN2, FT__PRETOK_NFC}, {"deepseek-r1-qwen", FT__PRETOK_QWEN2, 0},
    {"stablelm2", FT__PRETOK_QWEN2, 0}, {"hunyuan", FT__PRETOK_QWEN2, 0},
    {"megrez", FT__PRETOK_QWEN2, 0}, {"kormo", FT__PRETOK_QWEN2, 0},
    {"openpangu", FT__PRETOK_QWEN2, 0}, {"f2llmv2", FT__PRETOK_QWEN2, 0},
    {"solar-open", FT__PRETOK_QWEN2, 0}, {"grok-2", FT__PRETOK_QWEN2, 0},
    {"bailingmoe", FT__PRETOK_QWEN2, 0}, {"bailingmoe2", FT__PRETOK_QWEN2, 0},
    {"llada-moe", FT__PRETOK_QWEN2, 0}, {"qwen35", FT__PRETOK_QWEN35, FT__PRETOK_NFC},
    {"gpt-4o", FT__PRETOK_GPT4O, 0}, {"llama4", FT__PRETOK_GPT4O, 0},
    {"kanana2", FT__PRETOK_GPT4O, 0}, {"minimax-m2", FT__PRETOK_GPT4O, 0},
    {"granite-embed-multi-97m", FT__PRETOK_GPT4O, 0},
    {"tekken", FT__PRETOK_TEKKEN, FT__PRETOK_WHOLE | FT__PRETOK_BOS},
    {"ufakzeka", FT__PRETOK_TEKKEN, FT__PRETOK_WHOLE | FT__PRETOK_BOS},
    {"deepseek-llm", FT__PRETOK_DEEPSEEK_LLM, 0},
    {"deepseek-coder", FT__PRETOK_DEEPSEEK_CODER, 0},
    {"deepseek-v3", FT__PRETOK_DEEPSEEK_V3, 0}, {"hunyuan-dense", FT__PRETOK_DEEPSEEK_V3, 0},
    {"joyai-llm", FT__PRETOK_DEEPSEEK_V3, 0}, {"falcon", FT__PRETOK_FALCON, 0},
    {"poro-chat", FT__PRETOK_PORO, 0}, {"bloom", FT__PRETOK_PORO, 0},
    {"gpt3-finnish", FT__PRETOK_PORO, 0}, {"viking", FT__PRETOK_VIKING, 0},
    {"kimi-k2", FT__PRETOK_KIMI, 0}, {"jais-2", FT__PRETOK_JAIS2, 0},
    {"seed-coder", FT__PRETOK_SEED, 0}, {"superbpe", FT__PRETOK_SUPERBPE, 0},
    {"chameleon", FT__PRETOK_CHAMELEON, FT__PRETOK_BOS},
    {"tiny_aya", FT__PRETOK_TINY_AYA, FT__PRETOK_NFC},
    {"cohere2moe", FT__PRETOK_TINY_AYA, FT__PRETOK_NFC},
    {"youtu", FT__PRETOK_YOUTU, FT__PRETOK_WHOLE}, {"exaone-moe", FT__PRETOK_EXAONE_MOE, 0},
    {"afmoe", FT__PRETOK_AFMOE, 0},
};

FT__PRIV const ft__pretok *ft__pretok_find(const char *name, size_t n) {
    for (size_t i = 0; i < FT__COUNT(ft__pretok_names); i++)
        if (ft__text_equal(ft__pretok_names[i].name, strlen(ft__pretok_names[i].name), name, n))
            return &ft__pretok_names[i];
    return NULL;
}

/* ---- one character */

/* Cells of characters beyond ASCII that were just looked up: texts keep to few of them. */
enum { FT__PRETOK_KNOWN = 256 };
typedef struct ft__pretok_known {
    uint32_t c[FT__PRETOK_KNOWN]; /* by c % FT__PRETOK_KNOWN; 0: none */
    uint8_t cell[FT__PRETOK_KNOWN];
} ft__pretok_known;

/* The piece under the knife, and the last run of white space measured in it. */
typedef struct ft__pretok_view {
    const char *end;
    ft__pretok_known *known;
    const char *space_end, *space_last, *newline_end; /* its end, last character, last line end */
} ft__pretok_view;

static bool ft__pretok_in_ranges(const uint32_t *ranges, uint32_t c) {
    for (; *ranges && *ranges <= c; ranges += 2)
        if (c <= ranges[1]) return true;
    return false;
}

static uint32_t ft__pretok_next(const char **p, const ft__pretok_view *v, unsigned *cell) {
    uint32_t c = (uint8_t)**p;
    if (c < 0x80) {
        *cell = (unsigned)(ft__pretok_ascii[c] - 'A');
        (*p)++;
        return c;
    }
    c = ft__utf8_next(p, v->end);
    if (c == FT__BAD_UTF8) c = 0xFFFD;
    uint32_t slot = c % FT__PRETOK_KNOWN;
    if (v->known->c[slot] != c) {
        v->known->c[slot] = c;
        v->known->cell[slot] = (uint8_t)ft__char_class_of(c);
    }
    *cell = v->known->cell[slot];
    return c;
}

static bool ft__pretok_has(const ft__pretok_set *set, uint32_t c, unsigned cell) {
    bool in = set->cells >> cell & 1;
    if (!in && set->plus) in = ft__pretok_in_ranges(set->plus, c);
    return in && !(set->minus && ft__pretok_in_ranges(set->minus, c));
}

/* Moves past the character at *p if the set holds it. */
static bool ft__pretok_take(const ft__pretok_set *set, const char **p, const ft__pretok_view *v) {
    const char *q = *p;
    unsigned cell;
    if (q == v->end) return false;
    uint32_t c = ft__pretok_next(&q, v, &cell);
    if (!ft__pretok_has(set, c, cell)) return false;
    *p = q;
    return true;
}

/* Where a run of at most max (0: any number of) characters of the set ends. */
static const char *ft__pretok_run_end(const ft__pretok_set *set, const char *p, const ft__pretok_view *v,
                                      uint32_t max) {
    for (uint32_t k = 0; (!max || k < max) && ft__pretok_take(set, &p, v); k++) {}
    return p;
}

/* ---- one rule: how many bytes it takes at p, 0 if it does not fit */

static size_t ft__pretok_match_run(const ft__pretok_rule *rule, const char *p, const ft__pretok_view *v) {
    const char *body = p, *q;
    bool led = rule->lead && ft__pretok_take(rule->lead, &body, v);
    if (!led && rule->lead && rule->flags & FT__PRETOK_MUST) return 0;
    q = ft__pretok_run_end(rule->body, body, v, rule->max);
    if (q == body) {
        if (!led || rule->flags & FT__PRETOK_MUST) return 0;
        q = ft__pretok_run_end(rule->body, body = p, v, rule->max);
        if (q == body) return 0;
    }
    /* [0-9][0-9][0-9]: ASCII, so that bytes are characters */
    if (!rule->lead && rule->flags & FT__PRETOK_MUST && q - body < (ptrdiff_t)rule->max) return 0;
    if (rule->tail) q = ft__pretok_run_end(rule->tail, q, v, rule->tail_max);
    return (size_t)(q - p);
}

static size_t ft__pretok_match_contraction(const char *p, const ft__pretok_view *v, bool any_case) {
    static const char *const endings[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    size_t n = (size_t)(v->end - p);
    if (n < 2 || *p != '\'') return 0;
    if (any_case && n >= 3 && memcmp(p + 1, "\xC5\xBF", 2) == 0) return 3; /* long s */
    for (size_t i = 0; i < FT__COUNT(endings); i++) {
        size_t k = 0;
        while (endings[i][k] && k + 1 < n &&
               (p[k + 1] == endings[i][k] || (any_case && p[k + 1] == endings[i][k] - 32)))
            k++;
        if (!endings[i][k]) return k + 1;
    }
    return 0;
}

/* Words of the form high* low+, or else high+ low*.  Other letters and marks are in both sets, so
   that the first form may have to give back the end of its first run. */
static size_t ft__pretok_match_cased(const ft__pretok_rule *rule, const char *p, const ft__pretok_view *v) {
    const char *led = p, *q;
    bool has_lead = ft__pretok_take(rule->lead, &led, v);
    for (int form = 1; form <= 2; form++)
        for (int with = has_lead; with >= 0; with--) {
            const char *start = with ? led : p, *both_end = start;
            for (q = start; q < v->end;) {
                const char *next = q;
                unsigned cell;
                uint32_t c = ft__pretok_next(&next, v, &cell);
                if (!ft__pretok_has(rule->body, c, cell)) break;
                if (ft__pretok_has(rule->tail, c, cell)) both_end = next;
                q = next;
            }
            const char *low = ft__pretok_run_end(rule->tail, q, v, 0);
            if (form == 1 && low == q) low = both_end; /* at `start` if there is no such letter */
            if (form == 1 ? low == start : q == start) continue;
            if (rule->flags & FT__PRETOK_SUFFIX) low += ft__pretok_match_contraction(low, v, true);
            return (size_t)(low - p);
        }
    return 0;
}

static void ft__pretok_measure_space(ft__pretok_view *v, const char *p) {
    v->space_last = v->newline_end = NULL;
    while (p < v->end) {
        const char *q = p;
        bool newline = *p == '\r' || *p == '\n';
        if (!ft__pretok_take(&ft__pretok_space, &q, v)) break;
        v->space_last = p;
        p = q;
        if (newline) v->newline_end = p;
    }
    v->space_end = p;
}

static size_t ft__pretok_match_white(const ft__pretok_rule *rule, ft__pretok_view *v, const char *p) {
    const char *q;
    if (p >= v->space_end) ft__pretok_measure_space(v, p);
    if (p == v->space_end) return 0;
    size_t whole = (size_t)(v->space_end - p);
    bool at_end = v->space_end == v->end;
    if (rule->op == FT__PRETOK_WHITE_END) return at_end ? whole : 0;
    if (rule->op == FT__PRETOK_WHITE_POWERS || rule->flags & FT__PRETOK_NEWLINES)
        if (v->newline_end && v->newline_end > p) return (size_t)(v->newline_end - p);
    if (rule->op == FT__PRETOK_WHITE) {
        if (at_end) return whole;
        if (v->space_last > p) return (size_t)(v->space_last - p);
        return rule->flags & FT__PRETOK_REST ? whole : 0;
    }
    for (uint32_t n = 512; n > 1; n /= 2) {
        uint32_t k = 0;
        for (q = p; k < n && q < v->space_end; k++) ft__pretok_take(&ft__pretok_space, &q, v);
        bool last = q == v->space_end && !at_end; /* it would touch what follows */
        if ((k == n || n == 2) && !last) return (size_t)(q - p); /* the least is \s{1,2} */
    }
    q = p;
    ft__pretok_take(&ft__pretok_space, &q, v);
    return (size_t)(q - p);
}

/* exaone-moe: letters with their marks, words joined by single blanks. */
static size_t ft__pretok_match_words(const ft__pretok_rule *rule, const char *p, const ft__pretok_view *v) {
    const char *q = p;
    ft__pretok_take(rule->lead, &q, v);
    if (!ft__pretok_take(&ft__pretok_letter, &q, v)) {
        q = p;
        if (!ft__pretok_take(&ft__pretok_letter, &q, v)) return 0;
    }
    for (;;) {
        const char *next = q = ft__pretok_run_end(&ft__pretok_letter_mark, q, v, 0);
        if (next == v->end || *next++ != ' ' || !ft__pretok_take(&ft__pretok_letter, &next, v))
            return (size_t)(q - p);
        q = next;
    }
}

/* chameleon: <sentinel:12>, IMGIMGABCZ, and tabs, line ends, four or two blanks. */
static size_t ft__pretok_match_sentinel(const char *p, const ft__pretok_view *v) {
    static const char head[] = "<sentinel:";
    size_t n = (size_t)(v->end - p), k = sizeof head - 1;
    if (n < k || memcmp(p, head, k) != 0) return 0;
    while (k < n && p[k] >= '0' && p[k] <= '9') k++;
    return k < n && k > sizeof head - 1 && p[k] == '>' ? k + 1 : 0;
}

static size_t ft__pretok_match_image(const char *p, const ft__pretok_view *v) {
    size_t n = (size_t)(v->end - p), k = 6;
    if (n < 8 || memcmp(p, "IMGIMG", 6) != 0) return 0;
    while (k < n && k < 10 && p[k] >= 'A' && p[k] <= 'I') k++;
    return k < n && k > 6 && p[k] == 'Z' ? k + 1 : 0;
}

static size_t ft__pretok_match_blanks(const char *p, const ft__pretok_view *v) {
    size_t n = 0;
    if (*p == '\t' || *p == '\n') return 1;
    while (n < 4 && p + n < v->end && p[n] == ' ') n++;
    return n & 6; /* 4, 2 or nothing */
}

static size_t ft__pretok_match(const ft__pretok_rule *rule, ft__pretok_view *v, const char *p) {
    switch (rule->op) {
    case FT__PRETOK_RUN: return ft__pretok_match_run(rule, p, v);
    case FT__PRETOK_CASED: return ft__pretok_match_cased(rule, p, v);
    case FT__PRETOK_CONTRACTION:
        return ft__pretok_match_contraction(p, v, (rule->flags & FT__PRETOK_ANY_CASE) != 0);
    case FT__PRETOK_WORDS: return ft__pretok_match_words(rule, p, v);
    case FT__PRETOK_SENTINEL: return ft__pretok_match_sentinel(p, v);
    case FT__PRETOK_IMAGE: return ft__pretok_match_image(p, v);
    case FT__PRETOK_BLANKS: return ft__pretok_match_blanks(p, v);
    default: return ft__pretok_match_white(rule, v, p);
    }
}

/* ---- steps */

typedef struct ft__pretok_knife {
    const ft__pretok_step *steps;
    bool (*piece)(void *user, const char *text, size_t n);
    void *user;
    ft__pretok_known known;
} ft__pretok_knife;

static bool ft__pretok_cut(ft__pretok_knife *knife, int level, const char *p, const char *end);

/* The digits of a text, in threes from the right. */
static bool ft__pretok_cut_right(ft__pretok_knife *knife, int level, const char *p,
                                 const char *end) {
    ft__pretok_op op = knife->steps[level].rules->op;
    const ft__pretok_view view = {end, &knife->known, p, NULL, NULL};
    const char *gap = p;
    while (p < end) {
        const char *stop = p, *q;
        size_t n = 0;
        unsigned cell;
        while (ft__pretok_take(&ft__pretok_decimal, &stop, &view)) n++;
        if (n == 0) {
            ft__pretok_next(&p, &view, &cell);
            continue;
        }
        q = stop;
        if (op == FT__PRETOK_RIGHT_WORD && ft__pretok_take(&ft__pretok_word, &q, &view)) {
            p = stop;
            continue;
        }
        if (op != FT__PRETOK_RIGHT_CUT || n % 3 == 0) {
            if (!ft__pretok_cut(knife, level + 1, gap, p)) return false;
            gap = p;
        }
        for (q = p; n > 0; gap = q) {
            for (size_t k = n % 3 ? n % 3 : 3; k > 0; k--, n--)
                ft__pretok_take(&ft__pretok_decimal, &q, &view);
            if (op == FT__PRETOK_RIGHT_CUT && n == 0) break; /* goes with what follows */
            if (!ft__pretok_cut(knife, level + 1, gap, q)) return false;
        }
        p = stop;
    }
    return ft__pretok_cut(knife, level + 1, gap, end);
}

/* Cuts p..end by the steps from `level` on: what a rule takes, and what stands between. */
static bool ft__pretok_cut(ft__pretok_knife *knife, int level, const char *p, const char *end) {
    if (p == end) return true;
    if (level == FT__PRETOK_STEPS || !knife->steps[level].n_rules)
        return knife->piece(knife->user, p, (size_t)(end - p));
    const ft__pretok_step *step = knife->steps + level;
    if (step->rules->op >= FT__PRETOK_RIGHT) return ft__pretok_cut_right(knife, level, p, end);
    ft__pretok_view view = {end, &knife->known, p, NULL, NULL};
    const char *gap = p;
    while (p < end) {
        size_t n = 0;
        unsigned cell;
        for (size_t i = 0; i < step->n_rules && !n; i++)
            n = ft__pretok_match(step->rules + i, &view, p);
        if (!n) {
            ft__pretok_next(&p, &view, &cell);
            continue;
        }
        if (!ft__pretok_cut(knife, level + 1, gap, p) ||
            !ft__pretok_cut(knife, level + 1, p, p + n))
            return false;
        gap = p += n;
    }
    return ft__pretok_cut(knife, level + 1, gap, end);
}

FT__PRIV bool ft__pretok_split(const ft__pretok *pretok, const char *text, size_t n,
                               bool (*piece)(void *user, const char *text, size_t n), void *user) {
    ft__pretok_knife knife;
    memset(&knife, 0, sizeof knife);
    knife.steps = ft__pretok_steps[pretok->row];
    knife.piece = piece;
    knife.user = user;
    return ft__pretok_cut(&knife, 0, text, text + n);
}

#undef FT__PRETOK_STEPS
#undef FT__BIT
#undef FT__SET_SPACE
#undef FT__SET_L
#undef FT__SET_N
#undef FT__SET_M
#undef FT__SET_ASCII_P
#undef FT__SET_ASCII_S
#undef FT__SET_P
#undef FT__SET_S
#undef FT__SET_AZ
#undef FT__SET_ALL
#undef FT__SET_OTHER
#undef FT__SET_ND
#undef FT__SET_CASELESS
#undef FT__SET_HIGH
#undef FT__SET_LOW
#undef FT__SET
#undef FT__RUN
#undef FT__OP
#undef FT__CASED
#undef FT__CONTRACTION
#undef FT__WHITE
#undef FT__OTHER
#undef FT__GPT2
#undef FT__RULES
#undef FT__STEP
#undef FT__END
