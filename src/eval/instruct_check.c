/* The 25 checkers of IFEval, with the verdicts of instruction_following_eval at git 0c495b2f95.

   A checker is a row in the table at the end.  It reads its arguments first, so that a bad one
   shows whatever the response is: a function that finds one missing says so in c->problem.  The
   patterns that IFEval has written down are scanned by hand, those that come with the arguments are
   regular expressions.  Where IFEval asks NLTK how many sentences there are or langdetect for the
   language, we have our own answers (language.c): they can differ at rare abbreviations and for
   texts of a few words.  Each check takes linear time. */
#include "instruct.h"

/* ---- arguments */

FT__PRIV bool ft__instruct_bad(ft__instruct *c, const char *key, const char *expected) {
    if (!c->problem[0]) snprintf(c->problem, sizeof c->problem, "\"%s\" must be %s", key, expected);
    return false;
}

static ft__view ft__instruct_text(ft__instruct *c, const char *key) {
    const ft__json *value = ft__json_get(c->kwargs, key);
    ft__view none = {"", 0};
    if (value && value->type == FT__JSON_STRING) return ft__text_strip(ft__json_view(value));
    ft__instruct_bad(c, key, "a string");
    return none;
}

static double ft__instruct_number(ft__instruct *c, const char *key) {
    const ft__json *value = ft__json_get(c->kwargs, key);
    if (value && ft__json_is_integer(value, 0, 1e9)) return value->number;
    ft__instruct_bad(c, key, "a whole number of at least 0");
    return 0;
}

/* Is the count as the arguments demand: "less than" the number, or "at least" as much? */
static bool ft__instruct_relates(ft__instruct *c, size_t count, const char *key,
                                 const char *relation) {
    double number = ft__instruct_number(c, key);
    ft__view word = ft__instruct_text(c, relation);
    if (ft__text_is(word, "less than")) return (double)count < number;
    if (ft__text_is(word, "at least")) return (double)count >= number;
    return ft__instruct_bad(c, relation, "\"less than\" or \"at least\"");
}

/* The first string of a list. */
static const ft__json *ft__instruct_list(ft__instruct *c, const char *key) {
    const ft__json *list = ft__json_get(c->kwargs, key), *each;
    if (list && list->type == FT__JSON_ARRAY) {
        for (each = list->child; each && each->type == FT__JSON_STRING;) each = each->next;
        if (!each) return list->child;
    }
    ft__instruct_bad(c, key, "a list of strings");
    return NULL;
}

/* ---- tools */

FT__PRIV bool ft__instruct_blank(ft__view v) { return ft__text_strip(v).n == 0; }

/* Lower case in a buffer that the caller has initialised. */
static ft__view ft__instruct_lower(ft__instruct *c, ft__view v, ft__buf *low) {
    ft__view none = {"", 0};
    ft__lower(v.text, v.n, low);
    c->failed |= low->failed;
    if (low->failed || !low->len) return none;
    v.text = low->data;
    v.n = low->len;
    return v;
}

/* Past one character of white space, if there is one. */
static const char *ft__instruct_space(const char *p, const char *end) {
    const char *q = p;
    return p < end && ft__is_space(ft__utf8_next(&q, end)) ? q : p;
}

/* Where `part` is, or NULL.  For short parts: time n * their length. */
static const char *ft__instruct_find(const char *p, const char *end, const char *part) {
    size_t n = strlen(part);
    for (; (size_t)(end - p) >= n; p++) {
        p = (const char *)memchr(p, part[0], (size_t)(end - p) - n + 1);
        if (!p || memcmp(p, part, n) == 0) return p;
    }
    return NULL;
}

FT__PRIV bool ft__instruct_next(ft__instruct_pieces *s, ft__view *piece) {
    if (!s->p) return false;
    const char *at = ft__instruct_find(s->p, s->end, s->mark);
    piece->text = s->p;
    piece->n = (size_t)((at ? at : s->end) - s->p);
    s->p = at ? at + strlen(s->mark) : NULL;
    return true;
}

/* Matches that do not overlap, as in findall(): behind an empty one it moves on by a character. */
static size_t ft__instruct_count(const ft__regex *regex, ft__view text, ft_error *err) {
    const char *p = text.text, *end = p + text.n;
    ft__regex_span match;
    size_t count = 0;
    bool found = true;
    while (found && p <= end) {
        size_t from = (size_t)(p - text.text);
        if (ft__regex_find(regex, text.text, text.n, from, &match, 1, &found, err) || !found) break;
        count++;
        p = text.text + match.end;
        if (match.end > match.begin) continue;
        if (p == end) break;
        ft__utf8_next(&p, end);
    }
    return count;
}

/* How often a pattern of the arguments is found in the text, or (once) whether it is. */
static size_t ft__instruct_matches(ft__instruct *c, const char *before, ft__view pattern,
                                   const char *after, unsigned flags, ft__view text, bool once) {
    ft__buf full;
    ft_error err = {FT_OK, "", ""};
    ft__regex *regex = NULL;
    size_t count = 0;
    bool found = false;
    char excerpt[64];
    ft__buf_init(&full, c->allocator);
    ft__buf_text(&full, before);
    ft__buf_add(&full, pattern.text, pattern.n);
    ft__buf_text(&full, after);
    if (!full.failed)
        regex = ft__regex_compile(ft__buf_view(&full).text, full.len, flags, c->allocator, &err);
    if (regex && !once) count = ft__instruct_count(regex, text, &err);
    else if (regex && !ft__regex_search(regex, text.text, text.n, &found, &err)) count = found;
    c->failed |= full.failed || err.code == FT_ERR_MEMORY;
    if (err.code && err.code != FT_ERR_MEMORY && !c->problem[0])
        snprintf(c->problem, sizeof c->problem, "\"%s\": %.50s",
                 ft__text_excerpt(pattern, excerpt), err.message);
    ft__regex_free(regex);
    ft__buf_free(&full);
    return count;
}

/* ---- keywords */

static bool ft__instruct_existence(ft__instruct *c, ft__view text) {
    bool all = true;
    for (const ft__json *k = ft__instruct_list(c, "keywords"); k; k = k->next)
        all &= ft__instruct_matches(c, "", ft__json_view(k), "", FT__REGEX_IGNORE_CASE, text,
                                    true) > 0;
    return all;
}

static bool ft__instruct_frequency(ft__instruct *c, ft__view text) {
    size_t count = ft__instruct_matches(c, "", ft__instruct_text(c, "keyword"), "",
                                        FT__REGEX_IGNORE_CASE, text, false);
    return ft__instruct_relates(c, count, "frequency", "relation");
}

static bool ft__instruct_forbidden(ft__instruct *c, ft__view text) {
    bool any = false;
    for (const ft__json *k = ft__instruct_list(c, "forbidden_words"); k; k = k->next)
        any |= ft__instruct_matches(c, "\\b", ft__json_view(k), "\\b", FT__REGEX_IGNORE_CASE, text,
                                    true) > 0;
    return !any;
}

static bool ft__instruct_letter(ft__instruct *c, ft__view text) {
    ft__buf low, low_letter;
    size_t count = 0;
    ft__buf_init(&low, c->allocator);
    ft__buf_init(&low_letter, c->allocator);
    ft__view letter = ft__instruct_lower(c, ft__instruct_text(c, "letter"), &low_letter);
    text = ft__instruct_lower(c, text, &low);
    if (ft__text_chars(letter) != 1 && !c->failed) ft__instruct_bad(c, "letter", "one character");
    /* UTF-8 has no character inside of another. */
    for (const char *p = text.text, *end = p + text.n; letter.n && p + letter.n <= end; p++)
        count += *p == letter.text[0] && memcmp(p, letter.text, letter.n) == 0;
    ft__buf_free(&low);
    ft__buf_free(&low_letter);
    return ft__instruct_relates(c, count, "let_frequency", "let_relation");
}

/* ---- language and lengths */

static bool ft__instruct_in_language(ft__view text, ft__view code) {
    const char *found = ft__language_guess(text);
    return !found || ft__text_is(code, found);
}

static bool ft__instruct_language(ft__instruct *c, ft__view text) {
    return ft__instruct_in_language(text, ft__instruct_text(c, "language"));
}

static bool ft__instruct_sentences(ft__instruct *c, ft__view text) {
    size_t count = 0;
    ft__view sentence;
    for (const char *p = text.text, *end = p + text.n;
         ft__text_next_sentence(&p, end, false, &sentence);)
        count++;
    return ft__instruct_relates(c, count, "num_sentences", "relation");
}

static bool ft__instruct_words(ft__instruct *c, ft__view text) {
    size_t count = 0;
    bool inside = false;
    for (const char *p = text.text, *end = p + text.n; p < end;) {
        bool word = ft__is_word(ft__utf8_next(&p, end));
        count += word && !inside;
        inside = word;
    }
    return ft__instruct_relates(c, count, "num_words", "relation");
}

/* Between marks; white space around a mark is no matter where only blank or not is asked. */
static bool ft__instruct_paragraphs(ft__instruct *c, ft__view text) {
    ft__instruct_pieces pieces = {text.text, text.text + text.n, "***"};
    double wanted = ft__instruct_number(c, "num_paragraphs"), count = 0;
    ft__view piece;
    for (bool first = true; ft__instruct_next(&pieces, &piece); first = false) {
        if (!ft__instruct_blank(piece)) count++;
        else if (!first && pieces.p) return false;
    }
    return count == wanted;
}

/* The first word up to a punctuation mark, in lower case letter by letter (so that no sigma is
   final), without quotes in front of it. */
static bool ft__instruct_begins(ft__instruct *c, ft__view paragraph, ft__view wanted) {
    const char *p = paragraph.text, *end = p + paragraph.n;
    ft__buf word, low;
    ft__view first = {"", 0};
    if (!ft__text_next_word(&p, end, &first)) return false;
    ft__buf_init(&word, c->allocator);
    ft__buf_init(&low, c->allocator);
    p = first.text;
    end = p + first.n;
    while (p < end && *p == '\'') p++;
    while (p < end && *p == '"') p++;
    for (const char *q = p; p < end && !(*p && strchr(".,?!'\"", *p)); p = q) {
        ft__utf8_next(&q, end);
        ft__lower(p, (size_t)(q - p), &word);
    }
    wanted = ft__instruct_lower(c, wanted, &low);
    bool same = ft__text_compare(ft__buf_view(&word), wanted) == 0;
    c->failed |= word.failed;
    ft__buf_free(&word);
    ft__buf_free(&low);
    return same;
}

/* Blank paragraphs do not count, but do when the n-th is looked up. */
static bool ft__instruct_nth_paragraph(ft__instruct *c, ft__view text) {
    ft__instruct_pieces pieces = {text.text, text.text + text.n, "\n\n"};
    double wanted = ft__instruct_number(c, "num_paragraphs"), count = 0;
    double nth = ft__instruct_number(c, "nth_paragraph"), index = 0;
    const ft__json *word = ft__json_get(c->kwargs, "first_word");
    ft__view piece, chosen = {"", 0};
    if (nth < 1) return ft__instruct_bad(c, "nth_paragraph", "a whole number of at least 1");
    if (!word || word->type != FT__JSON_STRING)
        return ft__instruct_bad(c, "first_word", "a string");
    while (ft__instruct_next(&pieces, &piece)) {
        if (++index == nth) chosen = piece;
        count += !ft__instruct_blank(piece);
    }
    return nth <= count && count == wanted && ft__instruct_begins(c, chosen, ft__json_view(word));
}

/* ---- content */

/* \[.*?\] */
static bool ft__instruct_placeholders(ft__instruct *c, ft__view text) {
    double wanted = ft__instruct_number(c, "num_placeholders"), count = 0;
    const char *open = NULL;
    for (const char *p = text.text, *end = p + text.n; p < end; p++) {
        if (*p == '\n') open = NULL;
        else if (*p == '[' && !open) open = p;
        else if (*p == ']' && open) count++, open = NULL;
    }
    return count >= wanted;
}

/* Does a form such as "p._s." begin here?  '_' is one white space or none; letters have any case.
   */
static bool ft__instruct_form(const char *p, const char *end, const char *form) {
    for (; *form; form++) {
        if (*form == '_') p = ft__instruct_space(p, end);
        else if (p < end && (*p == *form || (*form >= 'a' && (*p | 0x20) == *form))) p++;
        else return false;
    }
    return true;
}

static bool ft__instruct_postscript(ft__instruct *c, ft__view text) {
    ft__view marker = ft__instruct_text(c, "postscript_marker");
    const char *form = ft__text_is(marker, "P.P.S")  ? "p._p._s"
                       : ft__text_is(marker, "P.S.") ? "p._s."
                                                     : NULL;
    if (form) {
        for (const char *p = text.text, *end = p + text.n; p < end; p++)
            if ((*p | 0x20) == 'p' && ft__instruct_form(p, end, form)) return true;
        return false;
    }
    ft__buf low, low_marker;
    ft__buf_init(&low, c->allocator);
    ft__buf_init(&low_marker, c->allocator);
    marker = ft__instruct_lower(c, marker, &low_marker);
    text = ft__instruct_lower(c, text, &low);
    size_t count = ft__instruct_matches(c, "\\s*", marker, ".*$", FT__REGEX_MULTILINE, text, true);
    ft__buf_free(&low);
    ft__buf_free(&low_marker);
    return count > 0;
}

/* ---- format */

/* ^\s*\*[^\*].*$ for '*' and ^\s*-.*$ for '-', at every line: the white space before may hold line
   ends, the character behind a '*' may be one.  A run of white space is looked at once, since where
   the first of its lines is no bullet, no other is. */
static double ft__instruct_bullets_of(ft__view text, char bullet) {
    const char *p = text.text, *end = p + text.n, *q;
    double count = 0;
    while (p < end) {
        while (p < end && (q = ft__instruct_space(p, end)) != p) p = q;
        bool found = p < end && *p == bullet && (bullet == '-' || (p + 1 < end && p[1] != '*'));
        count += found;
        if (found) p += bullet == '*' ? 2 : 1;
        p = p < end ? (const char *)memchr(p, '\n', (size_t)(end - p)) : NULL;
        if (!p) break;
        p++;
    }
    return count;
}

static bool ft__instruct_bullets(ft__instruct *c, ft__view text) {
    double count = ft__instruct_bullets_of(text, '*') + ft__instruct_bullets_of(text, '-');
    return count == ft__instruct_number(c, "num_bullets");
}

static bool ft__instruct_constrained(ft__instruct *c, ft__view text) {
    static const char *const answers[] = {"My answer is yes.", "My answer is no.",
                                          "My answer is maybe."};
    (void)c;
    for (size_t i = 0; i < FT__COUNT(answers); i++)
        if (ft__instruct_find(text.text, text.text + text.n, answers[i])) return true;
    return false;
}

/* Matches of \*[^\n\*]*\* (n_stars 1) or \*\*[^\n\*]*\*\* (2) that hold more than white space. */
static double ft__instruct_highlights_of(ft__view text, size_t n_stars) {
    const char *p = text.text, *end = p + text.n, *q;
    double count = 0;
    while ((p = ft__instruct_find(p, end, n_stars == 1 ? "*" : "**")) != NULL) {
        for (q = p + n_stars; q < end && *q != '\n' && *q != '*';) q++;
        bool closed = (size_t)(end - q) >= n_stars && *q == '*' && q[n_stars - 1] == '*';
        ft__view content = {p + n_stars, (size_t)(q - p) - n_stars};
        count += closed && !ft__instruct_blank(content);
        p = closed ? q + n_stars : q > p + n_stars ? q : p + 1;
    }
    return count;
}

static bool ft__instruct_highlights(ft__instruct *c, ft__view text) {
    double count = ft__instruct_highlights_of(text, 1) + ft__instruct_highlights_of(text, 2);
    return count >= ft__instruct_number(c, "num_highlights");
}

static bool ft__instruct_sections(ft__instruct *c, ft__view text) {
    size_t count = ft__instruct_matches(c, "\\s?", ft__instruct_text(c, "section_spliter"),
                                        "\\s?\\d+\\s?", 0, text, false);
    return (double)count >= ft__instruct_number(c, "num_sections");
}

static bool ft__instruct_json(ft__instruct *c, ft__view text) {
    static const char *const fences[] = {"```json", "```Json", "```JSON", "```"};
    ft__buf open;
    text = ft__text_strip(text);
    for (size_t i = 0; i < FT__COUNT(fences); i++) {
        size_t n = strlen(fences[i]);
        if (text.n < n || memcmp(text.text, fences[i], n) != 0) continue;
        text.text += n;
        text.n -= n;
    }
    if (text.n >= 3 && memcmp(text.text + text.n - 3, "```", 3) == 0) text.n -= 3;
    text = ft__text_strip(text);
    ft__buf_init(&open, c->allocator);
    bool valid = ft__instruct_json_valid(text.text, text.text + text.n, &open);
    c->failed |= open.failed;
    ft__buf_free(&open);
    return valid;
}

/* <<[^\n]+>>: on each line from the first "<<" to the last ">>". */
static bool ft__instruct_title(ft__instruct *c, ft__view text) {
    ft__instruct_pieces lines = {text.text, text.text + text.n, "\n"};
    ft__view line;
    (void)c;
    while (ft__instruct_next(&lines, &line)) {
        const char *p = ft__instruct_find(line.text, line.text + line.n, "<<");
        const char *q = line.text + line.n;
        while (p && q > p && !(q - p >= 5 && q[-1] == '>' && q[-2] == '>')) q--;
        if (!p || q == p) continue;
        while (p < q && *p == '<') p++;
        while (q > p && q[-1] == '>') q--;
        ft__view title = {p, (size_t)(q - p)};
        if (!ft__instruct_blank(title)) return true;
    }
    return false;
}

/* ---- combination, beginning and end */

static bool ft__instruct_two(ft__instruct *c, ft__view text) {
    ft__instruct_pieces pieces = {text.text, text.text + text.n, "******"};
    ft__view piece, kept[2] = {{"", 0}, {"", 0}};
    size_t count = 0;
    (void)c;
    for (bool first = true; ft__instruct_next(&pieces, &piece); first = false) {
        piece = ft__text_strip(piece);
        if (piece.n == 0 && !first && pieces.p) return false;
        if (piece.n && count++ < 2) kept[count - 1] = piece;
    }
    return count == 2 && !ft__text_equal(kept[0].text, kept[0].n, kept[1].text, kept[1].n);
}

/* Does the text, in lower case, begin or end with that argument? */
static bool ft__instruct_touches(ft__instruct *c, ft__view text, const char *key, bool at_end) {
    ft__buf low, low_part;
    ft__buf_init(&low, c->allocator);
    ft__buf_init(&low_part, c->allocator);
    ft__view part = ft__instruct_lower(c, ft__instruct_text(c, key), &low_part);
    text = ft__instruct_lower(c, text, &low);
    size_t skip = at_end && text.n > part.n ? text.n - part.n : 0;
    bool same = text.n >= part.n && memcmp(text.text + skip, part.text, part.n) == 0;
    ft__buf_free(&low);
    ft__buf_free(&low_part);
    return same;
}

static bool ft__instruct_repeat(ft__instruct *c, ft__view text) {
    return ft__instruct_touches(c, ft__text_strip(text), "prompt_to_repeat", false);
}

static bool ft__instruct_end(ft__instruct *c, ft__view text) {
    text = ft__text_strip(text);
    for (; text.n && text.text[0] == '"'; text.n--) text.text++;
    while (text.n && text.text[text.n - 1] == '"') text.n--;
    return ft__instruct_touches(c, text, "end_phrase", true);
}

static bool ft__instruct_quotation(ft__instruct *c, ft__view text) {
    (void)c;
    text = ft__text_strip(text);
    return text.n > 1 && text.text[0] == '"' && text.text[text.n - 1] == '"';
}

static bool ft__instruct_no_comma(ft__instruct *c, ft__view text) {
    (void)c;
    return text.n == 0 || !memchr(text.text, ',', text.n);
}

/* ---- cases */

static bool ft__instruct_capital_words(ft__instruct *c, ft__view text) {
    return ft__instruct_relates(c, ft__instruct_capitals(text), "capital_frequency",
                                "capital_relation");
}

static bool ft__instruct_capital(ft__instruct *c, ft__view text) {
    ft__view en = {"en", 2};
    (void)c;
    return ft__instruct_all(text, 'A') && ft__instruct_in_language(text, en);
}

static bool ft__instruct_lowercase(ft__instruct *c, ft__view text) {
    ft__view en = {"en", 2};
    (void)c;
    return ft__instruct_all(text, 'a') && ft__instruct_in_language(text, en);
}

/* ---- the table */

static const ft__instruct_kind ft__instruct_kinds[] = {
    {"keywords:existence", ft__instruct_existence},
    {"keywords:frequency", ft__instruct_frequency},
    {"keywords:forbidden_words", ft__instruct_forbidden},
    {"keywords:letter_frequency", ft__instruct_letter},
    {"language:response_language", ft__instruct_language},
    {"length_constraints:number_sentences", ft__instruct_sentences},
    {"length_constraints:number_paragraphs", ft__instruct_paragraphs},
    {"length_constraints:number_words", ft__instruct_words},
    {"length_constraints:nth_paragraph_first_word", ft__instruct_nth_paragraph},
    {"detectable_content:number_placeholders", ft__instruct_placeholders},
    {"detectable_content:postscript", ft__instruct_postscript},
    {"detectable_format:number_bullet_lists", ft__instruct_bullets},
    {"detectable_format:constrained_response", ft__instruct_constrained},
    {"detectable_format:number_highlighted_sections", ft__instruct_highlights},
    {"detectable_format:multiple_sections", ft__instruct_sections},
    {"detectable_format:json_format", ft__instruct_json},
    {"detectable_format:title", ft__instruct_title},
    {"combination:two_responses", ft__instruct_two},
    {"combination:repeat_prompt", ft__instruct_repeat},
    {"startend:end_checker", ft__instruct_end},
    {"change_case:capital_word_frequency", ft__instruct_capital_words},
    {"change_case:english_capital", ft__instruct_capital},
    {"change_case:english_lowercase", ft__instruct_lowercase},
    {"punctuation:no_comma", ft__instruct_no_comma},
    {"startend:quotation", ft__instruct_quotation},
};

FT__PRIV const ft__instruct_kind *ft__instruct_find_kind(ft__view id) {
    for (size_t i = 0; i < FT__COUNT(ft__instruct_kinds); i++)
        if (ft__text_is(id, ft__instruct_kinds[i].id)) return &ft__instruct_kinds[i];
    return NULL;
}
