/* A model's own chat template. */
#include "model.h"

const char *ft_model_chat_template(const ft_model *model, size_t *n_bytes) {
    ft__gguf_str text = {NULL, 0};
    if (ft__gguf_string(&model->file, "tokenizer.chat_template", &text, NULL)) text.len = 0;
    if (n_bytes) *n_bytes = text.len;
    return text.len ? text.data : NULL;
}
