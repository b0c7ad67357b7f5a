/* Floor 3: chat templates, as the other rooms see them. */
#ifndef FT__TEMPLATE_H
#define FT__TEMPLATE_H

#include "../io/json.h"

/* ---- template: text/template.c */

/* As ft_template_render, of an input that is parsed already (an object: its members are the variables;
   `tools` and `documents` are none where it lacks them).  Appends to *out; on failure nothing is added. */
FT__PRIV ft_status ft__template_render(const ft_template *t, const ft__json *input, const char *now,
                                       ft__buf *out, ft_error *err);

/* The source of a template, in the arena: that of a GGUF file (tokenizer.chat_template), of a Hugging Face folder
   (chat_template.jinja, or the one in tokenizer_config.json), or any other file as it stands.
   FT_ERR_UNSUPPORTED if the model has none. */
FT__PRIV ft_status ft__template_source(const char *path, ft__arena *arena, const char **source, size_t *n,
                                       ft_error *err);

#endif /* FT__TEMPLATE_H */
