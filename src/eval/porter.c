/* The suffix stripper for English: M. Porter, "An algorithm for suffix stripping", Program 14(3),
   1980, in three variants of it as NLTK 3.8.1 has them (mode):

   - ORIGINAL_ALGORITHM: the paper.
   - MARTIN_EXTENSIONS: with the later changes of its author: bli -> ble, logi -> log, and words of
     one or two letters stay.
   - NLTK_EXTENSIONS: with more rules and irregular words; what ROUGE and METEOR stem with.

   A word is [C](VC)^m[V], C and V being runs of consonants and of vowels; m is its measure.  A step
   takes the first of its suffixes that the word ends with; if the condition on what is before the
   suffix fails, the step is over.  Everything but a, e, i, o, u, and y after a consonant, counts as
   a consonant, which includes digits and all characters beyond ASCII.  Linear in the word. */
#include "eval.h"

#define FT__PORTER_RULE(from, to) {from, sizeof(from) - 1, to, sizeof(to) - 1}
typedef struct ft__porter_rule {
    const char *from;
    size_t n_from;
    const char *to;
    size_t n_to;
} ft__porter_rule;

typedef struct ft__porter_word {
    char *text;
    size_t n;
    ft__porter_mode mode;
} ft__porter_word;

/* ---- what a word looks like; n is the length of the part that is looked at */

static bool ft__porter_is_vowel(const char *text, size_t at) {
    switch (text[at]) {
    case 'a':
    case 'e':
    case 'i':
    case 'o':
    case 'u': return true;
    case 'y': {
        size_t first = at; /* of a run of y, which takes turns */
        while (first && text[first - 1] == 'y') first--;
        bool first_is_vowel = first && !ft__porter_is_vowel(text, first - 1);
        return first_is_vowel == ((at - first) % 2 == 0);
    }
    default: return false;
    }
}

static size_t ft__porter_measure(const char *text, size_t n) {
    size_t m = 0;
    bool vowel = false;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        bool after_vowel = vowel;
        vowel = c == 'y' ? i && !after_vowel
                         : c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u';
        m += after_vowel && !vowel;
    }
    return m;
}

static bool ft__porter_has_vowel(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (ft__porter_is_vowel(text, i)) return true;
    return false;
}

/* Where the last characters begin; 0 if there are no more than that. */
static size_t ft__porter_back(const char *text, size_t n, int characters) {
    for (; n && characters; characters--) {
        size_t start = n - 1;
        while (start && n - start < 4 && ((uint8_t)text[start] & 0xC0) == 0x80) start--;
        n = start;
    }
    return n;
}

/* Consonant, vowel, consonant, the last one not w, x or y; for NLTK also a word of a vowel and a
   consonant only. */
static bool ft__porter_ends_cvc(const ft__porter_word *w, size_t n) {
    size_t last = ft__porter_back(w->text, n, 1);
    if (last == 0 || ft__porter_is_vowel(w->text, n - 1) || !ft__porter_is_vowel(w->text, last - 1))
        return false;
    if (last == 1) return w->mode == FT__PORTER_NLTK;
    char c = w->text[last];
    return !ft__porter_is_vowel(w->text, last - 2) && c != 'w' && c != 'x' && c != 'y';
}

/* n is not 0.  Most are told by their last letter. */
static bool ft__porter_ends(const ft__porter_word *w, const char *suffix, size_t n) {
    return w->n >= n && w->text[w->n - 1] == suffix[n - 1] &&
           memcmp(w->text + w->n - n, suffix, n) == 0;
}

/* ---- rules */

static void ft__porter_replace(ft__porter_word *w, const ft__porter_rule *rule) {
    memcpy(w->text + w->n - rule->n_from, rule->to, rule->n_to);
    w->n = w->n - rule->n_from + rule->n_to;
}

/* The rule for this word; NULL: none. */
static const ft__porter_rule *ft__porter_find(const ft__porter_word *w,
                                              const ft__porter_rule *rules, size_t n_rules) {
    for (size_t i = 0; i < n_rules; i++)
        if (ft__porter_ends(w, rules[i].from, rules[i].n_from)) return &rules[i];
    return NULL;
}

/* The rules of a step whose condition is a stem of more than this measure. */
static void ft__porter_apply(ft__porter_word *w, const ft__porter_rule *rules, size_t n_rules,
                             size_t measure) {
    const ft__porter_rule *rule = ft__porter_find(w, rules, n_rules);
    if (rule && ft__porter_measure(w->text, w->n - rule->n_from) > measure)
        ft__porter_replace(w, rule);
}

/* Plurals. */
static void ft__porter_step_1a(ft__porter_word *w) {
    static const ft__porter_rule rules[] = {
        FT__PORTER_RULE("sses", "ss"), FT__PORTER_RULE("ies", "i"), FT__PORTER_RULE("ss", "ss"),
        FT__PORTER_RULE("s", "")};
    static const ft__porter_rule short_ies = FT__PORTER_RULE("ies", "ie");
    const ft__porter_rule *rule = ft__porter_find(w, rules, FT__COUNT(rules));
    if (w->mode == FT__PORTER_NLTK && rule == &rules[1] && w->n > 3 &&
        ft__porter_back(w->text, w->n - 3, 1) == 0)
        rule = &short_ies; /* one letter before it: ties */
    if (rule) ft__porter_replace(w, rule);
}

/* After -ed and -ing were taken off. */
static void ft__porter_mend(ft__porter_word *w) {
    static const ft__porter_rule rules[] = {
        FT__PORTER_RULE("at", "ate"), FT__PORTER_RULE("bl", "ble"), FT__PORTER_RULE("iz", "ize")};
    const ft__porter_rule *rule = ft__porter_find(w, rules, FT__COUNT(rules));
    size_t last = ft__porter_back(w->text, w->n, 1), before = ft__porter_back(w->text, last, 1);
    if (rule) {
        ft__porter_replace(w, rule);
    } else if (ft__text_equal(w->text + before, last - before, w->text + last, w->n - last) &&
               !ft__porter_is_vowel(w->text, w->n - 1)) {
        char c = w->text[last];
        if (c != 'l' && c != 's' && c != 'z') w->n = last;
    } else if (ft__porter_measure(w->text, w->n) == 1 && ft__porter_ends_cvc(w, w->n)) {
        w->text[w->n++] = 'e';
    }
}

/* Past tenses and participles. */
static void ft__porter_step_1b(ft__porter_word *w) {
    if (w->mode == FT__PORTER_NLTK && ft__porter_ends(w, "ied", 3)) {
        w->n -= w->n > 3 && ft__porter_back(w->text, w->n - 3, 1) == 0 ? 1 : 2;
        return;
    }
    if (ft__porter_ends(w, "eed", 3)) {
        if (ft__porter_measure(w->text, w->n - 3) > 0) w->n--;
        return;
    }
    size_t suffix = ft__porter_ends(w, "ed", 2) ? 2 : ft__porter_ends(w, "ing", 3) ? 3 : 0;
    if (!suffix || !ft__porter_has_vowel(w->text, w->n - suffix)) return;
    w->n -= suffix;
    ft__porter_mend(w);
}

static void ft__porter_step_1c(ft__porter_word *w) {
    if (!ft__porter_ends(w, "y", 1)) return;
    size_t stem = w->n - 1;
    if (w->mode == FT__PORTER_NLTK
            ? ft__porter_back(w->text, stem, 1) > 0 && !ft__porter_is_vowel(w->text, stem - 1)
            : ft__porter_has_vowel(w->text, stem))
        w->text[stem] = 'i';
}

static void ft__porter_step_2(ft__porter_word *w) {
    static const ft__porter_rule rules[] = {
        FT__PORTER_RULE("ational", "ate"), FT__PORTER_RULE("tional", "tion"),
        FT__PORTER_RULE("enci", "ence"),   FT__PORTER_RULE("anci", "ance"),
        FT__PORTER_RULE("izer", "ize"),    FT__PORTER_RULE("alli", "al"),
        FT__PORTER_RULE("entli", "ent"),   FT__PORTER_RULE("eli", "e"),
        FT__PORTER_RULE("ousli", "ous"),   FT__PORTER_RULE("ization", "ize"),
        FT__PORTER_RULE("ation", "ate"),   FT__PORTER_RULE("ator", "ate"),
        FT__PORTER_RULE("alism", "al"),    FT__PORTER_RULE("iveness", "ive"),
        FT__PORTER_RULE("fulness", "ful"), FT__PORTER_RULE("ousness", "ous"),
        FT__PORTER_RULE("aliti", "al"),    FT__PORTER_RULE("iviti", "ive"),
        FT__PORTER_RULE("biliti", "ble")};
    /* None of them ends like one above, so that they may come after all. */
    static const ft__porter_rule abli[] = {FT__PORTER_RULE("abli", "able")};
    static const ft__porter_rule later[] = {FT__PORTER_RULE("bli", "ble"),
                                            FT__PORTER_RULE("logi", "log")};
    static const ft__porter_rule fulli[] = {FT__PORTER_RULE("fulli", "ful")};
    bool nltk = w->mode == FT__PORTER_NLTK;
    if (nltk && ft__porter_ends(w, "alli", 4) && ft__porter_measure(w->text, w->n - 4) > 0)
        w->n -= 2; /* the step starts over, which can only meet -(a)tional */
    if (ft__porter_find(w, rules, FT__COUNT(rules))) {
        ft__porter_apply(w, rules, FT__COUNT(rules), 0);
    } else if (w->mode == FT__PORTER_ORIGINAL) {
        ft__porter_apply(w, abli, FT__COUNT(abli), 0);
    } else if (nltk && ft__porter_ends(w, "logi", 4)) {
        if (ft__porter_measure(w->text, w->n - 3) > 0) w->n--; /* its l belongs to the stem */
    } else {
        if (nltk) ft__porter_apply(w, fulli, FT__COUNT(fulli), 0);
        ft__porter_apply(w, later, FT__COUNT(later), 0);
    }
}

static void ft__porter_step_3(ft__porter_word *w) {
    static const ft__porter_rule rules[] = {
        FT__PORTER_RULE("icate", "ic"), FT__PORTER_RULE("ative", ""),
        FT__PORTER_RULE("alize", "al"), FT__PORTER_RULE("iciti", "ic"),
        FT__PORTER_RULE("ical", "ic"),  FT__PORTER_RULE("ful", ""),
        FT__PORTER_RULE("ness", "")};
    ft__porter_apply(w, rules, FT__COUNT(rules), 0);
}

static void ft__porter_step_4(ft__porter_word *w) {
    static const ft__porter_rule rules[] = {
        FT__PORTER_RULE("al", ""),   FT__PORTER_RULE("ance", ""), FT__PORTER_RULE("ence", ""),
        FT__PORTER_RULE("er", ""),   FT__PORTER_RULE("ic", ""),   FT__PORTER_RULE("able", ""),
        FT__PORTER_RULE("ible", ""), FT__PORTER_RULE("ant", ""),  FT__PORTER_RULE("ement", ""),
        FT__PORTER_RULE("ment", ""), FT__PORTER_RULE("ent", ""),  FT__PORTER_RULE("ou", ""),
        FT__PORTER_RULE("ism", ""),  FT__PORTER_RULE("ate", ""),  FT__PORTER_RULE("iti", ""),
        FT__PORTER_RULE("ous", ""),  FT__PORTER_RULE("ive", ""),  FT__PORTER_RULE("ize", "")};
    static const ft__porter_rule ion[] = {FT__PORTER_RULE("ion", "")};
    if (ft__porter_ends(w, "sion", 4) || ft__porter_ends(w, "tion", 4))
        ft__porter_apply(w, ion, FT__COUNT(ion), 1);
    else ft__porter_apply(w, rules, FT__COUNT(rules), 1);
}

/* A final e, and a double l. */
static void ft__porter_step_5(ft__porter_word *w) {
    if (ft__porter_ends(w, "e", 1)) {
        size_t measure = ft__porter_measure(w->text, w->n - 1);
        if (measure > 1 || (measure == 1 && !ft__porter_ends_cvc(w, w->n - 1))) w->n--;
    }
    if (ft__porter_ends(w, "ll", 2) && ft__porter_measure(w->text, w->n - 1) > 1) w->n--;
}

/* ---- words */

/* The stem of an irregular word; NULL if it is none. */
static const char *ft__porter_irregular(ft__view word) {
    static const ft__porter_rule rules[] = {
        FT__PORTER_RULE("sky", "sky"),         FT__PORTER_RULE("skies", "sky"),
        FT__PORTER_RULE("dying", "die"),       FT__PORTER_RULE("lying", "lie"),
        FT__PORTER_RULE("tying", "tie"),       FT__PORTER_RULE("news", "news"),
        FT__PORTER_RULE("inning", "inning"),   FT__PORTER_RULE("innings", "inning"),
        FT__PORTER_RULE("outing", "outing"),   FT__PORTER_RULE("outings", "outing"),
        FT__PORTER_RULE("canning", "canning"), FT__PORTER_RULE("cannings", "canning"),
        FT__PORTER_RULE("howe", "howe"),       FT__PORTER_RULE("proceed", "proceed"),
        FT__PORTER_RULE("exceed", "exceed"),   FT__PORTER_RULE("succeed", "succeed")};
    for (size_t i = 0; i < FT__COUNT(rules) && word.n >= 3 && word.n <= 8; i++)
        if (word.text[0] == rules[i].from[0] &&
            ft__text_equal(word.text, word.n, rules[i].from, rules[i].n_from))
            return rules[i].to;
    return NULL;
}

static bool ft__porter_is_short(ft__view word, ft__porter_mode mode) {
    return mode != FT__PORTER_ORIGINAL && ft__porter_back(word.text, word.n, 2) == 0;
}

static size_t ft__porter_regular(char *word, size_t n, ft__porter_mode mode) {
    ft__porter_word w;
    w.text = word;
    w.n = n;
    w.mode = mode;
    ft__porter_step_1a(&w);
    ft__porter_step_1b(&w);
    ft__porter_step_1c(&w);
    ft__porter_step_2(&w);
    ft__porter_step_3(&w);
    ft__porter_step_4(&w);
    ft__porter_step_5(&w);
    return w.n;
}

FT__PRIV size_t ft__porter(char *word, size_t n, ft__porter_mode mode) {
    ft__view v = {word, n};
    const char *irregular = mode == FT__PORTER_NLTK ? ft__porter_irregular(v) : NULL;
    if (irregular) {
        n = strlen(irregular);
        memcpy(word, irregular, n);
    } else if (!ft__porter_is_short(v, mode)) {
        n = ft__porter_regular(word, n, mode);
    }
    return n;
}

/* NLTK looks at the word as it is given, before it makes it lower case, where it asks whether it is
   irregular and whether it is short. */
FT__PRIV void ft__porter_stem(ft__view word, ft__porter_mode mode, ft__buf *out) {
    const char *irregular = mode == FT__PORTER_NLTK ? ft__porter_irregular(word) : NULL;
    size_t start = out->len;
    if (irregular) {
        ft__buf_text(out, irregular);
        return;
    }
    size_t low = 0;
    while (low < word.n && (uint8_t)word.text[low] < 0x80 &&
           !(word.text[low] >= 'A' && word.text[low] <= 'Z'))
        low++;
    if (low == word.n) ft__buf_add(out, word.text, word.n);
    else ft__lower(word.text, word.n, out);
    if (!out->failed && out->len > start && !ft__porter_is_short(word, mode))
        out->len = start + ft__porter_regular(out->data + start, out->len - start, mode);
}

/* ---- metric */

static ft_status ft__porter_metric(const ft__metric_call *call) {
    static const char *const modes[] = {"NLTK_EXTENSIONS", "ORIGINAL_ALGORITHM",
                                        "MARTIN_EXTENSIONS"};
    int mode = 0;
    ft__view *words;
    size_t n;
    ft__buf stem;
    ft_status status = ft__metric_word(call, "mode", modes, FT__COUNT(modes), &mode);
    if (!status) status = ft__metric_texts(call, "words", &words, &n);
    if (status) return status;
    ft__buf_init(&stem, &call->arena->allocator);
    ft__json_begin(call->out, '{');
    ft__json_key(call->out, "stems");
    ft__json_begin(call->out, '[');
    for (size_t i = 0; i < n; i++) {
        stem.len = 0;
        ft__porter_stem(words[i], (ft__porter_mode)mode, &stem);
        ft__json_string(call->out, ft__buf_view(&stem).text, stem.len);
    }
    ft__json_end(call->out, ']');
    ft__json_end(call->out, '}');
    if (stem.failed) status = ft__fail_memory(call->err);
    ft__buf_free(&stem);
    return status;
}

FT__PRIV const ft__metric_kind *ft__porter_metrics(size_t *n) {
    static const ft__metric_kind kinds[] = {{"porter_stem", 0, ft__porter_metric}};
    *n = FT__COUNT(kinds);
    return kinds;
}

#undef FT__PORTER_RULE
