/* Chat templates: a template, a line end of its own (0xFF), the input.  Any bytes are rendered or refused. */
#include "fuzz.h"

static int template_count(void *user, const char *bytes, size_t n) {
    (void)bytes;
    *(size_t *)user += n;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char input[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}], \"n\": 3}";
    const uint8_t *cut = size ? (const uint8_t *)memchr(data, 0xFF, size) : NULL;
    size_t n = cut ? (size_t)(cut - data) : size, written = 0;
    ft_error err = {FT_OK, "", ""};
    ft_template *t = ft_template_parse((const char *)data, n, "fuzz", NULL, &err);
    if (!t) {
        fuzz_expect(err.code != FT_OK && err.message[0], "a refusal says why");
        return 0;
    }
    ft_status status = ft_template_render(t, cut ? (const char *)cut + 1 : input, cut ? size - n - 1 : sizeof input - 1,
                                          "2026-03-14T15:09:26", template_count, &written, &err);
    fuzz_expect(status == FT_OK || !written, "a failure writes nothing"); /* raise_exception may say nothing */
    ft_template_free(t);
    return 0;
}
