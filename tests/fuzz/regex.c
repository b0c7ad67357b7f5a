/* Regular expressions: a byte of flags, the pattern, a line end, the text. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ft_error err;
    bool found = false, again = false;
    if (size == 0) return 0;
    const char *pattern = (const char *)data + 1, *end = (const char *)data + size;
    const char *cut = (const char *)memchr(pattern, '\n', size - 1);
    size_t n = (size_t)((cut ? cut : end) - pattern), n_text = cut ? (size_t)(end - cut) - 1 : 0;
    ft__regex *regex = ft__regex_compile(pattern, n, data[0] & 31, NULL, &err);
    if (!regex) {
        fuzz_expect(err.code != FT_OK && err.message[0], "a refusal says why");
        return 0;
    }
    for (int i = 0; i < 2; i++)
        fuzz_expect(
            ft__regex_search(regex, cut ? cut + 1 : "", n_text, i ? &again : &found, &err) == FT_OK,
            "a search needs nothing but memory");
    fuzz_expect(found == again, "a search gives one answer");
    ft__regex_span groups[4];
    fuzz_expect(ft__regex_find(regex, cut ? cut + 1 : "", n_text, 0, groups, 4, &again, &err) == FT_OK,
                "a find needs nothing but memory");
    fuzz_expect(found == again, "search and find agree");
    fuzz_expect(!again || (groups[0].begin <= groups[0].end && groups[0].end <= n_text),
                "a match lies in the text");
    ft__regex_free(regex);
    return 0;
}
