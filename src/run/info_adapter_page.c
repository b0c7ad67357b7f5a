/* What ft__info_adapter holds, as a page of text or as one JSON object. */
#include "info.h"

enum { FT__INFO_LARGEST = 5, FT__INFO_LISTED = 20, FT__INFO_ROWS = 64 };

/* A measure with four digits, or fewer where they are zeros; "-" if it is not known. */
static void ft__info_measure(ft__buf *out, double x, int width) {
    ft__buf text;
    const double size = x < 0 ? -x : x;
    ft__buf_init(&text, &out->allocator);
    if (!ft__finite(x)) ft__buf_byte(&text, '-');
    else ft__buf_fixed(&text, x, size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4);
    while (!text.failed && text.data[text.len - 1] == '0' && strchr(text.data, '.')) text.data[--text.len] = 0;
    if (!text.failed && text.data[text.len - 1] == '.') text.data[--text.len] = 0;
    if (text.failed) out->failed = true;
    else ft__buf_printf(out, "%*s", width, text.data);
    ft__buf_free(&text);
}

static void ft__info_ends_text(ft__buf *out, double lo, double hi, int width) {
    ft__buf text;
    ft__buf_init(&text, &out->allocator);
    ft__info_measure(&text, lo, 0);
    if (hi > lo) ft__buf_byte(&text, '-'), ft__info_measure(&text, hi, 0);
    if (text.failed) out->failed = true;
    else ft__buf_printf(out, "%*s", width, text.data);
    ft__buf_free(&text);
}

static double ft__info_mean(double sum, uint64_t n) {
    return n ? sum / (double)n : (double)ft__float_of(0x7fc00000u);
}

static void ft__info_page_groups(const ft__info_adapter *a, ft__buf *out) {
    const bool against = a->model != NULL;
    ft__buf_printf(out, "\n%-30s%7s%9s%10s%10s%14s\n", "module", "tensors", "rank", "scale",
                   against ? "|dW|/|W|" : "|s BA|", "largest");
    for (size_t k = 0; k < a->n_groups && k < FT__INFO_ROWS; k++) {
        const ft__info_group *g = &a->groups[k];
        const ft__info_change *most = against ? g->relative_max : g->norm_max;
        const size_t at = out->len;
        ft__info_safe(out, g->first->any->module, strlen(g->first->any->module), 26);
        while (!out->failed && out->len - at < 30) ft__buf_byte(out, ' ');
        ft__buf_printf(out, "%7llu", (unsigned long long)g->n);
        if (g->rank_hi) ft__info_ends_text(out, (double)g->rank_lo, (double)g->rank_hi, 9);
        else ft__buf_printf(out, "%9s", g->first->part[FT__INFO_WHOLE] ? "whole" : "-");
        ft__info_ends_text(out, g->scale_lo, g->scale_hi, 10);
        ft__info_measure(out, against ? ft__info_mean(g->relative_sum, g->n_relative)
                                      : ft__info_mean(g->norm_sum, g->n_norm), 10);
        if (most) ft__info_measure(out, against ? most->relative : most->norm, 8);
        if (most && most->any->layer >= 0) ft__buf_printf(out, " in %d", most->any->layer);
        ft__buf_byte(out, '\n');
    }
    if (a->n_groups > FT__INFO_ROWS) ft__buf_printf(out, "... and %zu more\n", a->n_groups - FT__INFO_ROWS);
}

/* The few largest in proportion to their weights, the largest first. */
static void ft__info_page_largest(const ft__info_adapter *a, ft__buf *out) {
    const ft__info_change *last = NULL;
    for (int n = 0; n < FT__INFO_LARGEST; n++) {
        const ft__info_change *best = NULL;
        for (size_t k = 0; k < a->n_changes; k++) {
            const ft__info_change *c = &a->changes[k];
            const bool known = ft__finite(c->relative);
            const bool next = !last || c->relative < last->relative || (c->relative == last->relative && c > last);
            if (known && next && (!best || c->relative > best->relative)) best = c;
        }
        if (!best) return;
        if (n == 0) ft__buf_text(out, "\nlargest changes\n");
        ft__info_measure(out, best->relative, 8);
        ft__buf_text(out, "  ");
        ft__info_safe(out, best->any->base, strlen(best->any->base), 68);
        ft__buf_byte(out, '\n');
        last = best;
    }
}

static void ft__info_page_problems(const ft__info_adapter *a, ft__buf *out) {
    size_t n = 0;
    if (a->n_problems) ft__buf_printf(out, "\n%zu of %zu do not fit\n", a->n_problems, a->n_changes);
    for (size_t k = 0; k < a->n_changes && n < FT__INFO_LISTED; k++) {
        const ft__info_change *c = &a->changes[k];
        if (!c->problem) continue;
        n++;
        ft__buf_text(out, "  ");
        ft__info_safe(out, c->any->base, strlen(c->any->base), 60);
        ft__buf_text(out, ": ");
        ft__info_safe(out, c->problem, strlen(c->problem), 120);
        ft__buf_byte(out, '\n');
    }
    if (n < a->n_problems) ft__buf_printf(out, "  ... and %zu more\n", a->n_problems - n);
}

/* How many layers are touched, from which to which. */
static int ft__info_layers(const ft__info_adapter *a, int *first, int *last) {
    int n = 0;
    *first = *last = -1;
    for (size_t k = 0; k < a->n_changes; k++) { /* sorted by layer */
        const int layer = a->changes[k].any->layer;
        if (layer < 0 || layer == *last) continue;
        if (*first < 0) *first = layer;
        *last = layer;
        n++;
    }
    return n;
}

static void ft__info_page_layers(const ft__info_adapter *a, ft__buf *out) {
    int first, last;
    const int n = ft__info_layers(a, &first, &last);
    if (!n) return;
    ft__info_label(out, "layers");
    ft__buf_printf(out, n == last - first + 1 ? "%d to %d" : "between %d and %d", first, last);
    ft__buf_printf(out, ": %d", n);
    if (a->model) ft__buf_printf(out, " of the model's %d", a->model->info.n_layers);
    ft__buf_byte(out, '\n');
}

static const char *ft__info_types_text(const ft__info_adapter *a) {
    for (size_t p = 1; p < a->n_parts; p++)
        if (strcmp(a->parts[p].type, a->parts[0].type) != 0) return "several types";
    return a->n_parts ? a->parts[0].type : "none";
}

FT__PRIV void ft__info_adapter_page(const ft__info_adapter *a, ft__buf *out) {
    char text[sizeof a->misfit.where + sizeof a->misfit.message + 16] = "yes";
    ft__info_label(out, "kind");
    ft__buf_text(out, "adapter, ");
    ft__info_safe(out, a->method, strlen(a->method), 64);
    ft__buf_printf(out, ", %s, ", a->folder ? "PEFT folder" : "GGUF");
    ft__info_short(out, (double)a->n_bytes, "B");
    ft__buf_byte(out, '\n');
    ft__info_line(out, "name", a->name);
    ft__info_line(out, "architecture", a->architecture);
    ft__info_line(out, "base", a->base);
    ft__info_label(out, "parameters");
    ft__info_short(out, (double)a->n_params, "");
    ft__buf_printf(out, " (%llu) in %zu tensors, %s\n", (unsigned long long)a->n_params, a->n_parts,
                   ft__info_types_text(a));
    if (ft__finite(a->alpha)) {
        ft__info_label(out, "alpha");
        ft__info_measure(out, a->alpha, 0);
        ft__buf_text(out, a->root ? ", the scale is alpha / sqrt(rank)\n" : ", the scale is alpha / rank\n");
    }
    ft__info_page_layers(a, out);
    ft__info_wrapped(out, "sha256", a->sha256);
    if (a->misfit.code) snprintf(text, sizeof text, "no: %s: %s", a->misfit.where, a->misfit.message);
    if (a->model) ft__info_wrapped(out, "fits the model", text);
    ft__info_page_groups(a, out);
    ft__info_page_largest(a, out);
    ft__info_page_problems(a, out);
}

/* ---- as JSON */

static void ft__info_json_groups(const ft__info_adapter *a, ft__json_writer *w) {
    ft__json_key(w, "modules");
    ft__json_begin(w, '[');
    for (size_t k = 0; k < a->n_groups; k++) {
        const ft__info_group *g = &a->groups[k];
        ft__json_begin(w, '{');
        ft__info_json_cut(w, "module", g->first->any->module, strlen(g->first->any->module));
        ft__info_json_number(w, "tensors", (double)g->n);
        ft__info_json_number(w, "rank_lowest", (double)g->rank_lo);
        ft__info_json_number(w, "rank_highest", (double)g->rank_hi);
        ft__info_json_number(w, "scale_lowest", g->scale_lo);
        ft__info_json_number(w, "scale_highest", g->scale_hi);
        ft__info_json_number(w, "norm_mean", ft__info_mean(g->norm_sum, g->n_norm));
        if (g->norm_max) ft__info_json_number(w, "norm_largest", g->norm_max->norm);
        if (g->norm_max) ft__info_json_number(w, "norm_largest_layer", g->norm_max->any->layer);
        if (g->relative_max) {
            ft__info_json_number(w, "relative_mean", ft__info_mean(g->relative_sum, g->n_relative));
            ft__info_json_number(w, "relative_largest", g->relative_max->relative);
            ft__info_json_number(w, "relative_largest_layer", g->relative_max->any->layer);
        }
        ft__json_end(w, '}');
    }
    ft__json_end(w, ']');
}

static void ft__info_json_changes(const ft__info_adapter *a, ft__json_writer *w) {
    static const char *const parts[FT__INFO_PARTS] = {"a", "b", "scale", "bias", "dora", "vera", "whole"};
    ft__json_key(w, "changes");
    ft__json_begin(w, '[');
    for (size_t k = 0; k < a->n_changes; k++) {
        const ft__info_change *c = &a->changes[k];
        ft__json_begin(w, '{');
        ft__info_json_cut(w, "name", c->any->base, strlen(c->any->base));
        ft__info_json_cut(w, "module", c->any->module, strlen(c->any->module));
        ft__info_json_number(w, "layer", c->any->layer);
        ft__json_key(w, "parts");
        ft__json_begin(w, '[');
        for (int p = 0; p < FT__INFO_PARTS; p++)
            if (c->part[p]) ft__json_text(w, parts[p]);
        ft__json_end(w, ']');
        ft__info_json_number(w, "rank", (double)c->rank);
        ft__info_json_number(w, "scale", c->scale);
        ft__info_json_number(w, "norm", c->norm);
        ft__info_json_number(w, "relative", c->relative);
        if (c->problem) ft__info_json_cut(w, "problem", c->problem, strlen(c->problem));
        ft__json_end(w, '}');
    }
    ft__json_end(w, ']');
}

FT__PRIV void ft__info_adapter_json(const ft__info_adapter *a, ft__json_writer *w) {
    int first, last;
    ft__json_begin(w, '{');
    ft__info_json_cut(w, "kind", "adapter", 7);
    ft__info_json_cut(w, "format", a->folder ? "PEFT" : "GGUF", 4);
    ft__info_json_cut(w, "method", a->method, strlen(a->method));
    ft__info_json_number(w, "bytes", (double)a->n_bytes);
    ft__info_json_cut(w, "sha256", a->sha256, 64);
    ft__info_json_cut(w, "name", a->name.data, a->name.len);
    ft__info_json_cut(w, "architecture", a->architecture.data, a->architecture.len);
    ft__info_json_cut(w, "base", a->base.data, a->base.len);
    ft__info_json_number(w, "parameters", (double)a->n_params);
    ft__info_json_number(w, "tensors", (double)a->n_parts);
    ft__info_json_number(w, "alpha", a->alpha);
    ft__info_json_cut(w, "scale", a->root ? "alpha / sqrt(rank)" : "alpha / rank", a->root ? 18 : 12);
    ft__info_json_number(w, "layers", ft__info_layers(a, &first, &last));
    ft__info_json_number(w, "first_layer", first);
    ft__info_json_number(w, "last_layer", last);
    if (a->model) {
        ft__json_key(w, "fits");
        ft__json_bool(w, !a->misfit.code);
    }
    if (a->misfit.code) {
        ft__info_json_cut(w, "error_where", a->misfit.where, strlen(a->misfit.where));
        ft__info_json_cut(w, "error", a->misfit.message, strlen(a->misfit.message));
    }
    ft__info_json_number(w, "problems", (double)a->n_problems);
    ft__info_json_groups(a, w);
    ft__info_json_changes(a, w);
    ft__json_end(w, '}');
    ft__buf_byte(w->out, '\n');
}
