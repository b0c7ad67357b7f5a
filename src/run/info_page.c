/* What ft__info holds, as a page of text or as one JSON object.

   The page is for people: 80 columns, numbers rounded.  The object has all of it, exact, by keys that stay. */
#include "info.h"

enum { FT__INFO_ENDS = 8 };

/* ---- how a page is written */

FT__PRIV void ft__info_label(ft__buf *out, const char *label) { ft__buf_printf(out, "%-16s", label); }

FT__PRIV void ft__info_short(ft__buf *out, double n, const char *unit) {
    static const char *const powers[] = {"", "K", "M", "B", "T", "P", "E"};
    const bool bytes = unit[0] == 'B';
    size_t k = 0;
    while (n >= 999.5 && k + 1 < FT__COUNT(powers)) n /= 1000, k++;
    ft__buf_fixed(out, n, k == 0 || n >= 99.95 ? 0 : n >= 9.995 ? 1 : 2);
    const char *power = bytes && k == 3 ? "G" : powers[k];
    if (power[0] || unit[0]) ft__buf_printf(out, " %s%s", power, unit);
}

FT__PRIV void ft__info_safe(ft__buf *out, const char *text, size_t n, int most) {
    const char *end = text + n;
    for (int k = 0; text < end; k++) {
        const char *from = text;
        const uint32_t c = ft__utf8_next(&text, end);
        if (k == most) {
            ft__buf_text(out, "...");
            return;
        }
        const bool shown = c != FT__BAD_UTF8 && ft__char_class_of(c) < FT__UNICODE_CONTROL_SPACE;
        if (!shown) ft__buf_byte(out, '?');
        else ft__buf_add(out, from, (size_t)(text - from));
    }
}

FT__PRIV void ft__info_wrapped(ft__buf *out, const char *label, const char *text) {
    const size_t width = FT__INFO_WIDTH - 16;
    ft__info_label(out, label);
    for (size_t n = strlen(text); n > width; n = strlen(text)) {
        size_t cut = width;
        while (cut > width / 2 && text[cut] != ' ') cut--;
        if (text[cut] != ' ') cut = width;
        ft__info_safe(out, text, cut, INT_MAX);
        ft__buf_byte(out, '\n');
        ft__info_label(out, "");
        text += cut + (text[cut] == ' ');
    }
    ft__info_safe(out, text, strlen(text), INT_MAX);
    ft__buf_byte(out, '\n');
}

FT__PRIV void ft__info_json_cut(ft__json_writer *w, const char *key, const char *text, size_t n) {
    ft__json_key(w, key);
    ft__json_string(w, text ? text : "", n > (size_t)FT__INFO_MOST_TEXT ? (size_t)FT__INFO_MOST_TEXT : n);
}

FT__PRIV void ft__info_json_number(ft__json_writer *w, const char *key, double value) {
    ft__json_key(w, key);
    if (ft__finite(value)) ft__json_number(w, value);
    else ft__json_null(w);
}

FT__PRIV void ft__info_line(ft__buf *out, const char *label, ft__gguf_str text) {
    if (!text.len) return;
    ft__info_label(out, label);
    ft__info_safe(out, text.data, text.len, FT__INFO_WIDTH - 19);
    ft__buf_byte(out, '\n');
}

/* ---- as a page */

static void ft__info_range_text(ft__buf *out, const ft__info_range *r) {
    ft__buf_printf(out, "%lld", (long long)r->lo);
    if (r->hi != r->lo) ft__buf_printf(out, " to %lld", (long long)r->hi);
}

/* "before 32 after" if there is such a number. */
static void ft__info_size_text(ft__buf *out, const ft__info *i, int size, const char *before, const char *after) {
    if (i->size[size].lo < 0) return;
    ft__buf_text(out, before);
    ft__info_range_text(out, &i->size[size]);
    ft__buf_text(out, after);
}

static void ft__info_page_types(const ft__info *i, ft__buf *out) {
    for (int k = 0; k < i->n_types; k++) {
        const ft__info_type *t = &i->types[k];
        const bool can = t->format && t->format->decode;
        ft__info_label(out, k ? "" : "types");
        ft__buf_printf(out, "%-9s", t->name);
        const size_t at = out->len;
        ft__buf_fixed(out, 100.0 * (double)t->n_params / (double)(i->n_params ? i->n_params : 1), 1);
        ft__buf_text(out, " % of the weights, ");
        ft__info_short(out, (double)t->n_bytes, "B");
        while (!out->failed && out->len - at < 34) ft__buf_byte(out, ' ');
        ft__buf_text(out, !can ? "not in this version" : t->format->n_elements > 1 ? "computed in int8"
                                                                                   : "computed in float");
        ft__buf_byte(out, '\n');
    }
}

static void ft__info_page_shape(const ft__info *i, ft__buf *out) {
    const ft__info_range *size = i->size;
    if (size[FT__INFO_LAYERS].lo >= 0) {
        ft__info_label(out, "shape");
        ft__info_size_text(out, i, FT__INFO_LAYERS, "", " layers");
        ft__info_size_text(out, i, FT__INFO_EMBEDDING, ", embedding ", "");
        ft__info_size_text(out, i, FT__INFO_FF, ", feed forward ", "");
        ft__buf_byte(out, '\n');
    }
    if (size[FT__INFO_HEADS].lo >= 0) {
        ft__info_label(out, "attention");
        ft__info_size_text(out, i, FT__INFO_HEADS, "", " heads");
        if (i->model) ft__buf_printf(out, " of %d", i->model->info.head_dim);
        else ft__info_size_text(out, i, FT__INFO_HEAD_SIZE, " of ", "");
        ft__info_size_text(out, i, FT__INFO_KV_HEADS, ", ", " KV heads");
        ft__buf_byte(out, '\n');
    }
    if (size[FT__INFO_EXPERTS].lo > 0) {
        ft__info_label(out, "experts");
        ft__info_size_text(out, i, FT__INFO_EXPERTS, "", "");
        ft__info_size_text(out, i, FT__INFO_USED, ", of which a token takes ", "");
        ft__info_size_text(out, i, FT__INFO_EXPERT_FF, ", feed forward ", "");
        ft__buf_byte(out, '\n');
    }
    if (size[FT__INFO_CONTEXT].lo >= 0) {
        ft__info_label(out, "context");
        ft__info_size_text(out, i, FT__INFO_CONTEXT, "", " positions");
        if (size[FT__INFO_WINDOW].lo > 0 && i->window_layers) {
            ft__info_size_text(out, i, FT__INFO_WINDOW, ", window of ", "");
            if (i->model) ft__buf_printf(out, " in %d of %d layers", i->window_layers, i->model->info.n_layers);
        }
        ft__buf_byte(out, '\n');
    }
}

/* The base and what scales it, from the keys; tensors of factors stand for a scaling of their own. */
typedef struct ft__info_rope {
    double base, factor, original; /* 0: absent */
    ft__gguf_str type;
} ft__info_rope;

static ft__info_rope ft__info_read_rope(const ft__info *i) {
    ft__info_rope r = {0, 0, 0, {"", 0}};
    char full[192];
    if (!ft__info_arch_key(i, "rope.freq_base", full)) return r;
    ft__gguf_float(&i->file, full, &r.base, NULL);
    ft__gguf_float(&i->file, ft__info_arch_key(i, "rope.scaling.factor", full), &r.factor, NULL);
    ft__gguf_float(&i->file, ft__info_arch_key(i, "rope.scaling.original_context_length", full), &r.original, NULL);
    r.type = ft__info_key(&i->file, ft__info_arch_key(i, "rope.scaling.type", full));
    if (r.type.len > 32) r.type.len = 32;
    if (!r.type.len && r.factor != 0) r.type.data = "linear", r.type.len = 6;
    if (ft__gguf_find(&i->file, "rope_freqs.weight")) r.type.data = "factors in a tensor", r.type.len = 19;
    if (ft__gguf_find(&i->file, "rope_factors_long.weight")) r.type.data = "longrope", r.type.len = 8;
    return r;
}

static void ft__info_page_rope(const ft__info *i, ft__buf *out) {
    const ft__info_rope r = ft__info_read_rope(i);
    ft__buf line;
    if (r.base <= 0 && i->size[FT__INFO_ROT].lo < 0 && !r.type.len) return;
    ft__buf_init(&line, &i->allocator);
    ft__buf_text(&line, "base ");
    ft__buf_fixed(&line, r.base > 0 ? r.base : 10000, 0);
    if (i->model) ft__buf_printf(&line, ", turns %d dimensions of a head", i->model->rope[FT__ROPE_FULL].n_rot);
    else ft__info_size_text(&line, i, FT__INFO_ROT, ", turns ", " dimensions of a head");
    if (r.type.len) {
        ft__buf_text(&line, ", ");
        ft__info_safe(&line, r.type.data, r.type.len, 20);
        if (r.factor > 0) ft__buf_text(&line, " x "), ft__buf_fixed(&line, r.factor, 1);
        if (r.original > 0) ft__buf_text(&line, " of "), ft__buf_fixed(&line, r.original, 0);
    }
    if (line.failed) out->failed = true;
    else ft__info_wrapped(out, "rope", line.data);
    ft__buf_free(&line);
}

static void ft__info_page_token(const ft__info *i, ft__buf *out, const char *what, int id) {
    size_t n = 0;
    const char *text = ft_token_spelling(i->vocab, id, &n);
    if (!text) return;
    ft__buf_printf(out, "%s %d ", what, id);
    ft__info_safe(out, text, n, 20);
}

static void ft__info_page_tokens(const ft__info *i, const ft__vocab *v, ft__buf *out) {
    ft__buf line;
    ft__buf_init(&line, &i->allocator);
    ft__info_page_token(i, &line, "BOS", v->bos);
    ft__info_page_token(i, &line, v->bos < 0 ? "EOS" : ", EOS", v->eos);
    for (int32_t id = 0, n = 0; id < v->n_vocab && n < FT__INFO_ENDS; id++)
        if (id != v->eos && (v->flags[id] & FT__TOKEN_IS_END))
            ft__info_page_token(i, &line, n++ ? "," : ", ends also", id);
    ft__buf_printf(&line, "; adds %s", v->add_bos && v->add_eos ? "BOS and EOS" : v->add_bos ? "BOS"
                                       : v->add_eos             ? "EOS" : "neither");
    if (line.failed) out->failed = true;
    else ft__info_wrapped(out, "", line.data);
    ft__buf_free(&line);
}

static void ft__info_page_tokenizer(const ft__info *i, ft__buf *out) {
    const ft__gguf_str model = ft__info_key(&i->file, "tokenizer.ggml.model");
    const ft__gguf_str pre = ft__info_key(&i->file, "tokenizer.ggml.pre");
    const ft__vocab *v = i->vocab ? i->vocab->vocab : NULL;
    ft__info_label(out, "tokenizer");
    if (!model.len) {
        ft__buf_text(out, "none\n");
        return;
    }
    ft__info_safe(out, model.data, model.len, 20);
    if (pre.len) ft__buf_text(out, ", pre-tokenizer "), ft__info_safe(out, pre.data, pre.len, 20);
    if (v) ft__buf_printf(out, ", %d tokens", (int)v->n_vocab);
    ft__buf_text(out, !v || !v->kind ? ": not in this version\n" : "\n");
    if (v && v->n_vocab) ft__info_page_tokens(i, v, out);
}

static void ft__info_page_template(const ft__info *i, ft__buf *out) {
    const ft__info_template *c = &i->chat;
    ft__gguf_str first = {c->first_line, c->n_first_line};
    char text[sizeof c->error.message + 64];
    if (!c->source) {
        ft__info_wrapped(out, "chat template", i->n_tensors ? "none: jobs need \"template\": \"none\" or a file"
                                                            : "none");
        return;
    }
    snprintf(text, sizeof text, "%zu bytes, system text %s, tools %s", c->n, c->system ? c->system : "?",
             c->tools ? c->tools : "?");
    if (c->error.code) snprintf(text, sizeof text, "%zu bytes, does not work: %s", c->n, c->error.message);
    ft__info_wrapped(out, "chat template", text);
    ft__info_line(out, "", first);
    ft__info_wrapped(out, "", c->sha256);
}

static void ft__info_page_memory(const ft__info *i, ft__buf *out) {
    if (!i->model) return;
    const size_t context = (size_t)i->model->info.n_ctx, pages = (context + FT__TILE - 1) / FT__TILE;
    ft__info_label(out, "memory");
    ft__info_short(out, (double)(i->n_tensor_bytes - i->replaced + i->packed), "B");
    ft__buf_text(out, " for weights");
    if (i->packed) {
        ft__buf_text(out, " (");
        ft__info_short(out, (double)i->packed, "B");
        ft__buf_text(out, " packed)");
    }
    ft__buf_byte(out, '\n');
    ft__info_label(out, "KV cache");
    ft__info_short(out, (double)i->kv_page[FT_KV_F16] / FT__TILE, "B");
    ft__buf_text(out, " a token, ");
    ft__info_short(out, (double)i->kv_page[FT_KV_F16] * (double)pages, "B");
    ft__buf_printf(out, " for %zu (F16; Q8_0 ", context);
    ft__info_short(out, (double)i->kv_page[FT_KV_Q8_0] * (double)pages, "B");
    ft__buf_byte(out, ')');
    if (i->state) {
        ft__buf_text(out, " and ");
        ft__info_short(out, (double)i->state, "B");
        ft__buf_text(out, " of state");
    }
    ft__buf_byte(out, '\n');
}

static const char *ft__info_kind(const ft__info *i) {
    return i->n_tensors || ft__is_folder(i->path) ? "model" : "vocabulary";
}

static void ft__info_format(const ft__info *i, char text[32]) {
    if (ft__is_folder(i->path)) snprintf(text, 32, "safetensors");
    else snprintf(text, 32, "GGUF v%u", (unsigned)i->file.version);
}

FT__PRIV void ft__info_page(const ft__info *i, ft__buf *out) {
    char format[32], text[sizeof i->why.where + sizeof i->why.message + 16];
    ft__info_format(i, format);
    ft__info_label(out, "kind");
    ft__buf_printf(out, "%s, %s, %llu file%s, ", ft__info_kind(i), format, (unsigned long long)i->n_files,
                   i->n_files == 1 ? "" : "s");
    ft__info_short(out, (double)i->n_bytes, "B");
    ft__buf_byte(out, '\n');
    ft__info_line(out, "name", ft__info_key(&i->file, "general.name"));
    ft__info_line(out, "architecture", ft__info_key(&i->file, "general.architecture"));
    ft__info_label(out, "parameters");
    ft__info_short(out, (double)i->n_params, "");
    ft__buf_printf(out, " (%llu)", (unsigned long long)i->n_params);
    ft__buf_printf(out, " in %llu tensors", (unsigned long long)i->n_tensors);
    if (i->n_active != i->n_params) {
        ft__buf_text(out, ", a token takes ");
        ft__info_short(out, (double)i->n_active, "");
    }
    ft__buf_byte(out, '\n');
    ft__info_page_types(i, out);
    ft__info_page_shape(i, out);
    ft__info_page_rope(i, out);
    ft__info_page_tokenizer(i, out);
    ft__info_page_template(i, out);
    ft__info_page_memory(i, out);
    ft__info_wrapped(out, "sha256", i->sha256);
    snprintf(text, sizeof text, i->model ? "yes" : "no weights: a vocabulary alone");
    if (i->why.code) snprintf(text, sizeof text, "no: %s: %s", i->why.where, i->why.message);
    ft__info_wrapped(out, "runs", text);
}

/* ---- as JSON */

static void ft__info_json_sizes(const ft__info *i, ft__json_writer *w) {
    for (int k = 0; k < FT__INFO_SIZES; k++) {
        if (i->size[k].lo < 0) continue;
        ft__json_key(w, ft__info_size_name(k));
        if (i->size[k].lo != i->size[k].hi) {
            ft__json_begin(w, '[');
            ft__json_number(w, (double)i->size[k].lo);
        }
        ft__json_number(w, (double)i->size[k].hi);
        if (i->size[k].lo != i->size[k].hi) ft__json_end(w, ']');
    }
    if (i->model) ft__info_json_number(w, "window_layers", i->window_layers);
}

static void ft__info_json_types(const ft__info *i, ft__json_writer *w) {
    ft__json_key(w, "types");
    ft__json_begin(w, '{');
    for (int k = 0; k < i->n_types; k++) {
        const ft__info_type *t = &i->types[k];
        ft__json_key(w, t->name);
        ft__json_begin(w, '{');
        ft__info_json_number(w, "tensors", (double)t->n_tensors);
        ft__info_json_number(w, "parameters", (double)t->n_params);
        ft__info_json_number(w, "bytes", (double)t->n_bytes);
        ft__json_key(w, "computed_in");
        if (!t->format || !t->format->decode) ft__json_null(w);
        else ft__json_text(w, t->format->n_elements > 1 ? "int8" : "float");
        ft__json_end(w, '}');
    }
    ft__json_end(w, '}');
}

static void ft__info_json_rope(const ft__info *i, ft__json_writer *w) {
    const ft__info_rope r = ft__info_read_rope(i);
    if (r.base <= 0 && !i->model) return;
    ft__json_key(w, "rope");
    ft__json_begin(w, '{');
    ft__info_json_number(w, "base", r.base > 0 ? r.base : 10000);
    if (i->model) ft__info_json_number(w, "dimensions", i->model->rope[FT__ROPE_FULL].n_rot);
    ft__info_json_cut(w, "scaling", r.type.len ? r.type.data : "none", r.type.len ? r.type.len : 4);
    if (r.factor > 0) ft__info_json_number(w, "factor", r.factor);
    if (r.original > 0) ft__info_json_number(w, "original_context", r.original);
    ft__json_end(w, '}');
}

static void ft__info_json_tokenizer(const ft__info *i, ft__json_writer *w) {
    const ft__gguf_str model = ft__info_key(&i->file, "tokenizer.ggml.model");
    const ft__gguf_str pre = ft__info_key(&i->file, "tokenizer.ggml.pre");
    const ft__vocab *v = i->vocab ? i->vocab->vocab : NULL;
    ft__json_key(w, "tokenizer");
    ft__json_begin(w, '{');
    ft__info_json_cut(w, "model", model.data, model.len);
    ft__info_json_cut(w, "pre", pre.data, pre.len);
    ft__json_key(w, "supported");
    ft__json_bool(w, v && v->kind);
    if (v) {
        ft__info_json_number(w, "vocabulary", v->n_vocab);
        ft__info_json_number(w, "bos", v->bos);
        ft__info_json_number(w, "eos", v->eos);
        ft__json_key(w, "add_bos");
        ft__json_bool(w, v->add_bos);
        ft__json_key(w, "add_eos");
        ft__json_bool(w, v->add_eos);
        ft__json_key(w, "ends");
        ft__json_begin(w, '[');
        for (int32_t id = 0, n = 0; id < v->n_vocab && n < FT__INFO_ENDS; id++)
            if (v->flags[id] & FT__TOKEN_IS_END) n++, ft__json_number(w, id);
        ft__json_end(w, ']');
    }
    ft__json_end(w, '}');
}

static void ft__info_json_template(const ft__info *i, ft__json_writer *w) {
    const ft__info_template *c = &i->chat;
    ft__json_key(w, "chat_template");
    if (!c->source) {
        ft__json_null(w);
        return;
    }
    ft__json_begin(w, '{');
    ft__info_json_number(w, "bytes", (double)c->n);
    ft__info_json_cut(w, "sha256", c->sha256, 64);
    ft__info_json_cut(w, "first_line", c->first_line, c->n_first_line);
    ft__json_key(w, "works");
    ft__json_bool(w, !c->error.code);
    if (c->error.code) ft__info_json_cut(w, "error", c->error.message, strlen(c->error.message));
    if (c->system) ft__info_json_cut(w, "system_text", c->system, strlen(c->system));
    if (c->tools) ft__info_json_cut(w, "tools", c->tools, strlen(c->tools));
    ft__json_end(w, '}');
}

static void ft__info_json_memory(const ft__info *i, ft__json_writer *w) {
    static const char *const kv[] = {"kv_f16", "kv_f32", "kv_q8_0"}; /* in the order of ft_kv_type */
    if (!i->model) return;
    ft__json_key(w, "memory");
    ft__json_begin(w, '{');
    ft__info_json_number(w, "weights", (double)(i->n_tensor_bytes - i->replaced + i->packed));
    ft__info_json_number(w, "packed", (double)i->packed);
    for (int k = 0; k < 3; k++) ft__info_json_number(w, kv[k], (double)i->kv_page[k] / FT__TILE);
    ft__info_json_number(w, "state", (double)i->state);
    ft__json_end(w, '}');
}

static void ft__info_json_tensors(const ft__info *i, ft__json_writer *w) {
    ft__json_key(w, "tensor_list");
    ft__json_begin(w, '[');
    for (size_t t = 0; t < i->file.n_tensors; t++) {
        const ft__gguf_tensor *tensor = &i->file.tensors[t];
        ft__json_begin(w, '{');
        ft__info_json_cut(w, "name", tensor->name, strlen(tensor->name));
        ft__json_key(w, "type");
        ft__json_text(w, ft__format_find(tensor->type)->name);
        ft__json_key(w, "shape");
        ft__json_begin(w, '[');
        for (int d = 0; d < tensor->n_dims; d++) ft__json_number(w, (double)tensor->ne[d]);
        ft__json_end(w, ']');
        ft__json_end(w, '}');
    }
    ft__json_end(w, ']');
}

FT__PRIV void ft__info_json(const ft__info *i, ft__json_writer *w) {
    char format[32];
    const ft__gguf_str name = ft__info_key(&i->file, "general.name");
    const ft__gguf_str arch = ft__info_key(&i->file, "general.architecture");
    ft__info_format(i, format);
    ft__json_begin(w, '{');
    ft__info_json_cut(w, "kind", ft__info_kind(i), strlen(ft__info_kind(i)));
    ft__info_json_cut(w, "format", format, strlen(format));
    ft__info_json_number(w, "files", (double)i->n_files);
    ft__info_json_number(w, "bytes", (double)i->n_bytes);
    ft__info_json_cut(w, "sha256", i->sha256, 64);
    ft__info_json_cut(w, "name", name.data, name.len);
    ft__info_json_cut(w, "architecture", arch.data, arch.len);
    ft__info_json_number(w, "parameters", (double)i->n_params);
    ft__info_json_number(w, "parameters_active", (double)i->n_active);
    ft__info_json_number(w, "tensors", (double)i->n_tensors);
    ft__info_json_types(i, w);
    ft__info_json_sizes(i, w);
    ft__info_json_rope(i, w);
    ft__info_json_tokenizer(i, w);
    ft__info_json_template(i, w);
    ft__info_json_memory(i, w);
    ft__json_key(w, "runs");
    ft__json_bool(w, i->model != NULL);
    if (i->why.code) {
        ft__info_json_cut(w, "error_where", i->why.where, strlen(i->why.where));
        ft__info_json_cut(w, "error", i->why.message, strlen(i->why.message));
    }
    ft__info_json_tensors(i, w);
    ft__json_end(w, '}');
    ft__buf_byte(w->out, '\n');
}
