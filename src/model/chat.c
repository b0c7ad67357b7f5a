/* A model's own chat template, and how its tokens are spelled in one. */
#include "model.h"

const char *ft_model_chat_template(const ft_model *model, size_t *n_bytes) {
    ft__gguf_str text = {NULL, 0};
    if (ft__gguf_string(&model->file, "tokenizer.chat_template", &text, NULL)) text.len = 0;
    if (n_bytes) *n_bytes = text.len;
    return text.len ? text.data : NULL;
}

const char *ft_token_spelling(const ft_model *model, int32_t token, size_t *n_bytes) {
    const ft__vocab *v = model->vocab;
    if (token < 0 || token >= v->n_vocab) return NULL;
    if (n_bytes) *n_bytes = v->tokens[token].len;
    return v->tokens[token].data;
}
