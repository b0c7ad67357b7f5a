/* Reading the recipe: one walker over a table of keys.  An unknown key is an error that names the nearest. */
#include "train.h"

#include <stddef.h>

typedef enum kind { TEXT, TEXTS, WHOLE, NUMBER } kind;

typedef struct key {
    const char *name;
    kind kind;
    size_t at, at_count;      /* of the field; TEXTS: also of its count */
    double lowest, highest;
    double usual;             /* WHOLE and NUMBER: -1 if it must be given */
} key;

#define AT(field) offsetof(train_recipe, field)
static const key keys[] = {
    {"file", TEXT, AT(file), 0, 0, 0, 0},
    {"name", TEXT, AT(name), 0, 0, 0, 0},
    {"data", TEXT, AT(data), 0, 0, 0, 0},
    {"valid", TEXT, AT(valid), 0, 0, 0, 0},
    {"chat", TEXT, AT(chat), 0, 0, 0, 0},
    {"base", TEXT, AT(base), 0, 0, 0, 0},
    {"peft", TEXT, AT(peft), 0, 0, 0, 0},
    {"type", TEXT, AT(type), 0, 0, 0, 0},
    {"specials", TEXTS, AT(specials), AT(n_specials), 0, 0, 0},
    {"cohorts", TEXTS, AT(cohorts), AT(n_cohorts), 0, 0, 0},
    {"modules", TEXTS, AT(modules), AT(n_modules), 0, 0, 0},
    {"vocab", WHOLE, AT(vocab), 0, 256, 8192, 0},
    {"layers", WHOLE, AT(layers), 0, 1, 64, 0},
    {"embd", WHOLE, AT(embd), 0, 32, 4096, 0},
    {"heads", WHOLE, AT(heads), 0, 1, 64, 0},
    {"kv_heads", WHOLE, AT(kv_heads), 0, 1, 64, 0},
    {"head_dim", WHOLE, AT(head_dim), 0, 32, 256, 0},
    {"ff", WHOLE, AT(ff), 0, 32, 16384, 0},
    {"ctx", WHOLE, AT(ctx), 0, 16, 2048, 0},
    {"rank", WHOLE, AT(rank), 0, 1, 256, 0},
    {"steps", WHOLE, AT(steps), 0, 1, 1000000, -1},
    {"warmup", WHOLE, AT(warmup), 0, 0, 100000, 0},
    {"batch", WHOLE, AT(batch), 0, 16, 65536, -1},
    {"valid_every", WHOLE, AT(valid_every), 0, 1, 1000000, -1},
    {"valid_rows", WHOLE, AT(valid_rows), 0, 1, 1000000, 1000000},
    {"patience", WHOLE, AT(patience), 0, 1, 1000000, 1000000},
    {"seed", WHOLE, AT(seed), 0, 0, 1e9, 1},
    {"alpha", NUMBER, AT(alpha), 0, 0, 1024, 0},
    {"rope_base", NUMBER, AT(rope_base), 0, 1, 1e8, 10000},
    {"eps", NUMBER, AT(eps), 0, 1e-9, 1, 1e-5},
    {"lr", NUMBER, AT(lr), 0, 0, 1, -1},
    {"lr_end", NUMBER, AT(lr_end), 0, 0, 1, 0},
    {"decay", NUMBER, AT(decay), 0, 0, 1, 0},
    {"beta1", NUMBER, AT(beta1), 0, 0.1, 0.9999, 0.9},
    {"beta2", NUMBER, AT(beta2), 0, 0.1, 0.9999, 0.95},
    {"clip", NUMBER, AT(clip), 0, 0, 1e9, 1},
    {"prompt_weight", NUMBER, AT(prompt_weight), 0, 0, 1, 0},
};

static ft_status wrong_key(const char *path, const ft__json *value, ft_error *err) {
    char where[384];
    const char *near = ft__nearest(value->key, keys, FT__COUNT(keys), sizeof keys[0]);
    snprintf(where, sizeof where, "%.300s:%u", path, (unsigned)value->line);
    return ft__fail(err, FT_ERR_DATA, where, "unknown key \"%.60s\"%s%s%s", value->key,
                    near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static ft_status wrong_value(const char *path, const ft__json *value, const char *expected, ft_error *err) {
    char where[384];
    snprintf(where, sizeof where, "%.300s:%u", path, (unsigned)value->line);
    return ft__fail(err, FT_ERR_DATA, where, "\"%.60s\" must be %s, found %s %.20s", value->key, expected,
                    ft__json_type_name(value->type), value->type == FT__JSON_NUMBER ? value->text : "");
}

static ft_status read_texts(const key *k, const ft__json *value, const char *path, ft__arena *arena,
                            train_recipe *r, ft_error *err) {
    const char **texts = (const char **)ft__arena_alloc(arena, value->count + 1, sizeof *texts);
    int *count = (int *)(void *)((char *)r + k->at_count);
    if (!texts) return ft__fail_memory(err);
    if (value->type != FT__JSON_ARRAY) return wrong_value(path, value, "a list of texts", err);
    for (const ft__json *v = value->child; v; v = v->next) {
        if (v->type != FT__JSON_STRING) return wrong_value(path, value, "a list of texts", err);
        texts[(*count)++] = v->text;
    }
    memcpy((char *)r + k->at, &texts, sizeof texts);
    return FT_OK;
}

static ft_status read_key(const key *k, const ft__json *value, const char *path, ft__arena *arena, train_recipe *r,
                          ft_error *err) {
    char expected[80], *field = (char *)r + k->at;
    if (k->kind == TEXTS) return read_texts(k, value, path, arena, r, err);
    if (k->kind == TEXT && value->type != FT__JSON_STRING) return wrong_value(path, value, "a text", err);
    if (k->kind == TEXT) {
        memcpy(field, &value->text, sizeof value->text);
        return FT_OK;
    }
    const bool fits = k->kind == WHOLE ? ft__json_is_integer(value, k->lowest, k->highest)
                                       : value->type == FT__JSON_NUMBER && value->number >= k->lowest &&
                                             value->number <= k->highest;
    snprintf(expected, sizeof expected, "a %snumber from %ld to %ld", k->kind == WHOLE ? "whole " : "",
             (long)k->lowest, (long)k->highest);
    if (!fits) return wrong_value(path, value, expected, err);
    if (k->kind == WHOLE) *(int *)(void *)field = (int)value->number;
    else *(double *)(void *)field = value->number;
    return FT_OK;
}

static ft_status read_keys(const ft__json *section, const char *path, ft__arena *arena, train_recipe *r,
                           ft_error *err) {
    ft_status status = FT_OK;
    for (size_t i = 0; i < FT__COUNT(keys); i++) {
        const key *k = &keys[i];
        if (k->kind == WHOLE) *(int *)(void *)((char *)r + k->at) = (int)k->usual;
        if (k->kind == NUMBER) *(double *)(void *)((char *)r + k->at) = k->usual;
        const ft__json *value = ft__json_get(section, k->name);
        if (!value && k->usual < 0)
            return ft__fail(err, FT_ERR_DATA, path, "\"%s\" has no \"%s\"", r->section, k->name);
        if (value && (status = read_key(k, value, path, arena, r, err)) != FT_OK) return status;
    }
    for (const ft__json *v = section->child; v; v = v->next) {
        size_t i = 0;
        while (i < FT__COUNT(keys) && strcmp(keys[i].name, v->key) != 0) i++;
        if (i == FT__COUNT(keys)) return wrong_key(path, v, err);
    }
    return FT_OK;
}

/* What the keys say together. */
static ft_status check(const train_recipe *r, const char *path, ft_error *err) {
    const int whole[4] = {r->embd, r->ff, r->head_dim, r->vocab};
    const char *wrong = NULL;
    bool multiples = true;
    for (int i = 0; i < 4; i++) multiples = multiples && whole[i] && whole[i] % 32 == 0;
    if (!r->file || !r->data || !r->valid || !r->type)
        wrong = "\"file\", \"data\", \"valid\" and \"type\" must be given";
    else if (r->base && (!r->rank || !(r->alpha > 0))) wrong = "an adapter needs \"rank\" and \"alpha\"";
    else if (!r->base && (!r->chat || !r->n_specials)) wrong = "a model needs \"chat\" and \"specials\"";
    else if (!r->base && (!r->layers || !r->heads || !r->kv_heads || !r->ff || !r->ctx))
        wrong = "a model needs \"layers\", \"heads\", \"kv_heads\", \"ff\" and \"ctx\"";
    else if (!r->base && !multiples)
        wrong = "\"embd\", \"ff\", \"head_dim\" and \"vocab\" must be multiples of 32";
    else if (!r->base && r->heads % r->kv_heads) wrong = "\"heads\" must be a multiple of \"kv_heads\"";
    else if (r->batch < r->ctx) wrong = "\"batch\" must be at least \"ctx\"";
    return wrong ? ft__fail(err, FT_ERR_DATA, path, "\"%s\": %s", r->section, wrong) : FT_OK;
}

/* The section as it is written, without the blanks that do not count. */
static ft_status digest_of(const ft__json *section, ft__arena *arena, uint8_t digest[32], ft_error *err) {
    ft__buf text;
    ft__json_writer w;
    ft__sha256 hash;
    ft__buf_init(&text, &arena->allocator);
    ft__json_writer_init(&w, &text, 0);
    ft__json_value(&w, section);
    ft__sha256_init(&hash);
    if (!text.failed) ft__sha256_add(&hash, text.data, text.len);
    ft__sha256_end(&hash, digest);
    const bool failed = text.failed;
    ft__buf_free(&text);
    return failed ? ft__fail_memory(err) : FT_OK;
}

ft_status train_recipe_read(const char *path, const char *section, ft__arena *arena, train_recipe *recipe,
                            uint8_t digest[32], ft_error *err) {
    char *text;
    size_t n;
    ft__json *all;
    memset(recipe, 0, sizeof *recipe);
    recipe->section = section;
    ft_status status = ft__read_file(path, &arena->allocator, &text, &n, err);
    if (status) return status;
    const char *kept = ft__arena_text(arena, text, n); /* numbers point into it */
    ft__free(&arena->allocator, text);
    if (!kept) return ft__fail_memory(err);
    status = ft__json_parse(kept, n, path, 1, arena, &all, err);
    if (status) return status;
    const ft__json *found = ft__json_get(all, section);
    if (!found || found->type != FT__JSON_OBJECT)
        return ft__fail(err, FT_ERR_DATA, path, "has no section \"%.60s\"", section);
    status = read_keys(found, path, arena, recipe, err);
    if (!status) status = check(recipe, path, err);
    return status ? status : digest_of(found, arena, digest, err);
}
