/* What an adapter is, and how large its changes are: against sums over the whole product. */
#include "test.h"
#include "gguf_edit.h"
#include "tiny.h"

#include "../src/model/model.h"

#include <sys/stat.h>

static int take(void *user, const char *bytes, size_t n) {
    ft__buf_add((ft__buf *)user, bytes, n);
    return 0;
}

/* The report: of the adapter alone, or beside a model.  free() it. */
static char *report(const char *model, const char *adapter, bool json) {
    ft_error err;
    ft__buf out;
    ft__buf_init(&out, NULL);
    CHECK_OK(model ? ft_info_adapter(model, adapter, json, take, &out, &err)
                   : ft_info(adapter, json, take, &out, &err), err);
    char *text = (char *)calloc(out.len + 1, 1);
    if (out.len) memcpy(text, out.data, out.len);
    ft__buf_free(&out);
    return text;
}

static ft__json *report_json(const char *model, const char *adapter, ft__arena *arena) {
    ft_error err;
    ft__json *value = NULL;
    char *text = report(model, adapter, true);
    ft__arena_init(arena, NULL);
    CHECK_OK(ft__json_parse(text, strlen(text), "report", 1, arena, &value, &err), err);
    free(text);
    return value;
}

static double number(const ft__json *object, const char *key) {
    const ft__json *v = ft__json_get(object, key);
    if (!CHECK(v && v->type == FT__JSON_NUMBER)) test_note("%s", key);
    return v ? v->number : -1;
}

static void check_text(const ft__json *object, const char *key, const char *expected) {
    const ft__json *v = ft__json_get(object, key);
    if (!CHECK(v && v->type == FT__JSON_STRING) || !CHECK_TEXT(v->text, expected)) test_note("%s", key);
}

/* The member of a list whose `key` is `name`. */
static const ft__json *one(const ft__json *report, const char *list, const char *key, const char *name) {
    const ft__json *all = ft__json_get(report, list);
    for (const ft__json *v = all ? all->child : NULL; v; v = v->next)
        if (strcmp(ft__json_get(v, key)->text, name) == 0) return v;
    const bool found = false;
    if (!CHECK(found)) test_note("%s", name);
    return NULL;
}

static float *decoded(const ft__gguf_tensor *t) {
    const size_t n = (size_t)(t->ne[0] * t->ne[1] * t->ne[2]);
    float *values = (float *)malloc(n * sizeof *values);
    ft__format_find(t->type)->decode(t->data, n, values);
    return values;
}

/* |scale BA| and, where there are weights, |W' - W| / |W|, W' being W + scale BA or, with a magnitude, DoRA's. */
static void reference(const ft__gguf *a, const ft__gguf *model, const char *name, double scale, double *norm,
                      double *relative) {
    char full[128];
    snprintf(full, sizeof full, "%s.lora_a", name);
    const ft__gguf_tensor *ta = ft__gguf_find(a, full);
    snprintf(full, sizeof full, "%s.lora_b", name);
    const ft__gguf_tensor *tb = ft__gguf_find(a, full), *tw = model ? ft__gguf_find(model, name) : NULL;
    snprintf(full, sizeof full, "%s.dora_scale", name);
    const ft__gguf_tensor *tm = ft__gguf_find(a, full);
    const size_t n_in = (size_t)ta->ne[0], rank = (size_t)ta->ne[1], n_out = (size_t)tb->ne[1];
    float *fa = decoded(ta), *fb = decoded(tb), *fw = tw ? decoded(tw) : NULL, *fm = tm ? decoded(tm) : NULL;
    double product = 0, change = 0, weight = 0;
    for (size_t e = 0; e < ta->ne[2]; e++)
        for (size_t o = 0; o < n_out; o++) {
            double row[256], length = 0;
            for (size_t i = 0; i < n_in; i++) {
                row[i] = 0;
                for (size_t k = 0; k < rank; k++)
                    row[i] += scale * (double)fb[(e * n_out + o) * rank + k] * (double)fa[(e * rank + k) * n_in + i];
                product += row[i] * row[i];
                const double w = fw ? (double)fw[(e * n_out + o) * n_in + i] : 0;
                length += (w + row[i]) * (w + row[i]);
            }
            for (size_t i = 0; i < n_in && fw; i++) {
                const double w = (double)fw[(e * n_out + o) * n_in + i];
                const double after = (w + row[i]) * (fm ? (double)fm[o] / ft__sqrt(length) : 1);
                change += (after - w) * (after - w);
                weight += w * w;
            }
        }
    *norm = ft__sqrt(product);
    *relative = fw ? ft__sqrt(change / weight) : 0;
    free(fa), free(fb), free(fw), free(fm);
}

TEST(info_adapter, of_a_gguf_file) {
    static const tiny_adapter options = {6, 9, 1, 1, 0, FT__FORMAT_F32, false};
    const char *path = test_path("adapter.gguf");
    ft__arena arena;
    ft__gguf g;
    ft_error err;
    tiny_write_adapter(path, NULL, &options);
    ft__json *json = report_json(NULL, path, &arena);
    check_text(json, "kind", "adapter");
    check_text(json, "method", "LoRA");
    check_text(json, "name", "tiny adapter");
    CHECK_NEAR(number(json, "alpha"), 9, 0);
    CHECK_NEAR(number(json, "tensors"), 28, 0);
    CHECK_NEAR(number(json, "layers"), 2, 0);
    CHECK_NEAR(number(json, "problems"), 0, 0);
    const ft__json *q = one(json, "modules", "module", "attn_q");
    CHECK_NEAR(number(q, "rank_lowest"), 6, 0);
    CHECK_NEAR(number(q, "rank_highest"), 6, 0);
    CHECK_NEAR(number(q, "scale_highest"), 1.5, 0);
    CHECK_NEAR(number(q, "tensors"), 2, 0);
    const ft__json *changes = ft__json_get(json, "changes");
    CHECK(changes && changes->count == 14 && !ft__json_get(q, "relative_mean") && !ft__json_get(json, "fits"));
    CHECK_OK(ft__gguf_open(&g, path, NULL, &err), err);
    double most = 0, sum = 0;
    for (const ft__json *c = changes->child; c; c = c->next) {
        double norm, relative;
        const char *name = ft__json_get(c, "name")->text;
        reference(&g, NULL, name, 1.5, &norm, &relative);
        CHECK_NEAR(number(c, "norm"), norm, 1e-12 * norm);
        if (strcmp(ft__json_get(c, "module")->text, "attn_q") != 0) continue;
        sum += norm;
        if (norm > most) most = norm;
    }
    CHECK_NEAR(number(q, "norm_mean"), sum / 2, 1e-12 * sum);
    CHECK_NEAR(number(q, "norm_largest"), most, 1e-12 * most);
    ft__gguf_close(&g);
    ft__arena_free(&arena);
    char *text = report(NULL, path, false);
    CHECK(strstr(text, "kind            adapter, LoRA, GGUF, ") && strstr(text, "layers          0 to 1: 2\n"));
    CHECK(strstr(text, "attn_k                              2        6       1.5"));
    free(text);
}

/* Every change in proportion to its weight: quantised ones, experts, several ranks, DoRA, a whole tensor. */
TEST(info_adapter, beside_its_model) {
    static const tiny_adapter options = {4, 6, 1, 0.5f, 0, FT__FORMAT_F32, false};
    char model[256], adapter[256];
    tiny_model shape;
    ft__gguf g, base;
    ft_error err;
    float magnitude[64];
    snprintf(model, sizeof model, "%s", test_path("model.gguf"));
    snprintf(adapter, sizeof adapter, "%s", test_path("changed.gguf"));
    for (int i = 0; i < 64; i++) magnitude[i] = 0.5f + (float)i / 16;
    for (int experts = 0; experts < 2; experts++) {
        ft__arena arena;
        edit e;
        memset(&shape, 0, sizeof shape);
        shape.type = experts ? FT__FORMAT_F16 : FT__FORMAT_Q8_0;
        shape.n_experts = experts ? 3 : 0;
        tiny_write_model(model, &shape);
        tiny_write_adapter(test_path("adapter.gguf"), &shape, &options);
        edit_begin(&e, test_path("adapter.gguf"));
        edit_tensor(&e, "blk.0.attn_q.weight.dora_scale", FT__FORMAT_F32, 64, 1, magnitude);
        edit_drop(&e, "blk.1.attn_k.weight.lora_a");
        edit_drop(&e, "blk.1.attn_k.weight.lora_b");
        edit_tensor(&e, "blk.1.attn_k.weight", FT__FORMAT_F32, 64, 32, NULL);
        edit_save(&e, adapter);
        ft__json *json = report_json(model, adapter, &arena);
        CHECK_NEAR(number(json, "problems"), 0, 0);
        CHECK_OK(ft__gguf_open(&g, adapter, NULL, &err), err);
        CHECK_OK(ft__gguf_open(&base, model, NULL, &err), err);
        const ft__json *changes = ft__json_get(json, "changes");
        CHECK(changes && changes->count == 14);
        for (const ft__json *c = changes ? changes->child : NULL; c; c = c->next) {
            double norm, relative;
            const char *name = ft__json_get(c, "name")->text;
            if (strcmp(name, "blk.1.attn_k.weight") == 0) {
                CHECK_NEAR(number(c, "relative"), 1, 1e-12); /* zeros in the weight's place */
                CHECK_NEAR(number(c, "rank"), 0, 0);
                continue;
            }
            reference(&g, &base, name, 1.5, &norm, &relative);
            if (!CHECK_NEAR(number(c, "relative"), relative, 1e-9 * relative)) test_note("%s", name);
        }
        check_text(json, "method", "DoRA");
        const ft__json *k = one(json, "modules", "module", "attn_k");
        CHECK_NEAR(number(k, "relative_largest_layer"), 1, 0);
        CHECK_NEAR(number(k, "tensors"), 2, 0);
        ft__gguf_close(&g);
        ft__gguf_close(&base);
        ft__arena_free(&arena);
        char *text = report(model, adapter, false);
        CHECK(strstr(text, "largest changes\n") && strstr(text, "layers          0 to 1: 2 of the model's 2\n"));
        free(text);
    }
}

TEST(info_adapter, what_does_not_fit_is_listed) {
    static const tiny_adapter options = {4, 0, 1, 1, TINY_Q | TINY_K, FT__FORMAT_F32, false};
    ft__arena arena;
    edit e;
    char model[256], adapter[256];
    snprintf(model, sizeof model, "%s", test_path("model.gguf"));
    snprintf(adapter, sizeof adapter, "%s", test_path("wrong.gguf"));
    tiny_write_model(model, NULL);
    tiny_write_adapter(test_path("adapter.gguf"), NULL, &options);
    edit_begin(&e, test_path("adapter.gguf"));
    edit_tensor(&e, "blk.0.attn_q.weight.lora_b", FT__FORMAT_F32, 4, 96, NULL);
    edit_tensor(&e, "blk.1.attn_q.weight.lora_b", FT__FORMAT_F32, 5, 64, NULL);
    edit_drop(&e, "blk.0.attn_k.weight.lora_b");
    edit_drop(&e, "blk.1.attn_k.weight.lora_a");
    edit_tensor(&e, "blk.7.attn_q.weight.lora_a", FT__FORMAT_F32, 64, 2, NULL);
    edit_tensor(&e, "blk.7.attn_q.weight.lora_b", FT__FORMAT_F32, 2, 64, NULL);
    edit_save(&e, adapter);
    ft__json *json = report_json(model, adapter, &arena);
    CHECK_NEAR(number(json, "problems"), 5, 0);
    check_text(one(json, "changes", "name", "blk.0.attn_q.weight"), "problem",
               "it is for [64, 96, 1], the model has [64, 64, 1]");
    check_text(one(json, "changes", "name", "blk.1.attn_q.weight"), "problem",
               "A [64, 4, 1] and B [5, 64, 1] have no rank in common");
    check_text(one(json, "changes", "name", "blk.0.attn_k.weight"), "problem", "A without B");
    check_text(one(json, "changes", "name", "blk.1.attn_k.weight"), "problem", "B without A");
    check_text(one(json, "changes", "name", "blk.7.attn_q.weight"), "problem", "the model has no such tensor");
    CHECK(ft__json_get(json, "fits") && ft__json_get(json, "fits")->type == FT__JSON_FALSE);
    CHECK(ft__json_get(json, "error") != NULL);
    ft__arena_free(&arena);
    char *text = report(model, adapter, false);
    CHECK(strstr(text, "fits the model  no: ") && strstr(text, "5 of 5 do not fit\n"));
    free(text);
    json = report_json(model, test_path("adapter.gguf"), &arena);
    CHECK(ft__json_get(json, "fits") && ft__json_get(json, "fits")->type == FT__JSON_TRUE);
    CHECK_NEAR(number(one(json, "modules", "module", "attn_q"), "scale_lowest"), 1, 0); /* no alpha */
    ft__arena_free(&arena);
}

TEST(info_adapter, errors) {
    ft_error err;
    ft__buf out;
    static const tiny_adapter options = {4, 0, 1, 1, 0, FT__FORMAT_F32, false};
    char model[256];
    snprintf(model, sizeof model, "%s", test_path("model.gguf"));
    tiny_write_model(model, NULL);
    tiny_write_adapter(test_path("adapter.gguf"), NULL, &options);
    ft__buf_init(&out, NULL);
    CHECK_ERROR(ft_info_adapter(test_path("none.gguf"), test_path("adapter.gguf"), false, take, &out, &err),
                FT_ERR_NOT_FOUND, err, "none.gguf");
    CHECK_ERROR(ft_info_adapter(model, test_path("none.gguf"), false, take, &out, &err), FT_ERR_NOT_FOUND, err,
                "none.gguf");
    CHECK_ERROR(ft_info_adapter(model, model, false, take, &out, &err), FT_ERR_FORMAT, err, "expected \"adapter\"");
    CHECK(out.len == 0);
    ft__buf_free(&out);
}

/* ---- PEFT folders */

/* Writes a folder with F32 tensors of ones; `shapes` (rows, columns), 0 columns: a vector. */
static void write_peft(const char *folder, const char *config, const char *const *names, const int (*shapes)[2],
                       int n) {
    ft__buf head, bytes;
    char path[512];
    size_t end = 0;
    ft__buf_init(&head, NULL);
    ft__buf_init(&bytes, NULL);
    for (int i = 0; i < n; i++) {
        const size_t count = (size_t)shapes[i][0] * (size_t)(shapes[i][1] ? shapes[i][1] : 1);
        ft__buf_printf(&head, "%c\"%s\":{\"dtype\":\"F32\",\"shape\":[%d", i ? ',' : '{', names[i], shapes[i][0]);
        if (shapes[i][1]) ft__buf_printf(&head, ",%d", shapes[i][1]);
        ft__buf_printf(&head, "],\"data_offsets\":[%zu,%zu]}", end, end + 4 * count);
        end += 4 * count;
    }
    ft__buf_byte(&head, '}');
    const uint64_t n_head = head.len;
    const float value = 1;
    ft__buf_add(&bytes, (const char *)&n_head, 8);
    ft__buf_add(&bytes, head.data, head.len);
    for (size_t i = 0; i < end; i += 4) ft__buf_add(&bytes, (const char *)&value, 4);
    mkdir(folder, 0777);
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", folder);
    test_write(path, bytes.data, bytes.len);
    snprintf(path, sizeof path, "%s/adapter_config.json", folder);
    test_write(path, config, strlen(config));
    ft__buf_free(&head);
    ft__buf_free(&bytes);
}

#define Q "base_model.model.model.layers.3.self_attn.q_proj."
#define E "base_model.model.model.layers.12.mlp.experts.5.down_proj."

TEST(info_adapter, of_peft_folders) {
    static const char *const names[] = {Q "lora_A.weight", Q "lora_B.weight", E "lora_A.weight", E "lora_B.weight",
                                        "base_model.model.lm_head.weight"};
    static const int shapes[][2] = {{4, 16}, {8, 4}, {2, 6}, {3, 2}, {5, 5}};
    static const struct { const char *config, *method; double scale[2]; } rows[] = {
        {"{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8, \"rank_pattern\": {\"mlp.experts.5.down_proj\": 2}}",
         "LoRA", {2, 4}},
        {"{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8, \"use_rslora\": true, \"rank_pattern\": "
         "{\"down_proj\": 2}, \"alpha_pattern\": {\"self_attn.q_proj\": 3, \"proj\": 99}}", "rsLoRA",
         {1.5, 5.656854249492381}},
        {"{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8, \"use_dora\": true, \"rank_pattern\": "
         "{\"down_proj\": 2}, \"base_model_name_or_path\": \"some/base\"}", "DoRA", {2, 4}}};
    char folder[256];
    snprintf(folder, sizeof folder, "%s", test_path("peft"));
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        ft__arena arena;
        write_peft(folder, rows[i].config, names, shapes, 5);
        ft__json *json = report_json(NULL, folder, &arena);
        check_text(json, "format", "PEFT");
        check_text(json, "method", rows[i].method);
        CHECK_NEAR(number(json, "problems"), 0, 0);
        CHECK_NEAR(number(json, "parameters"), 64 + 32 + 12 + 6 + 25, 0);
        CHECK_NEAR(number(json, "first_layer"), 3, 0);
        CHECK_NEAR(number(json, "last_layer"), 12, 0);
        const ft__json *q = one(json, "modules", "module", "self_attn.q_proj");
        const ft__json *x = one(json, "modules", "module", "mlp.experts.*.down_proj");
        CHECK_NEAR(number(q, "scale_lowest"), rows[i].scale[0], 1e-15);
        CHECK_NEAR(number(x, "scale_lowest"), rows[i].scale[1], 1e-15);
        /* of ones: BA is `rank` everywhere */
        CHECK_NEAR(number(q, "norm_mean"), rows[i].scale[0] * 4 * ft__sqrt(16 * 8), 1e-12);
        CHECK_NEAR(number(x, "norm_mean"), rows[i].scale[1] * 2 * ft__sqrt(6 * 3), 1e-12);
        CHECK(one(json, "modules", "module", "lm_head") != NULL);
        if (i == 2) check_text(json, "base", "some/base");
        ft__arena_free(&arena);
        char *text = report(NULL, folder, false);
        CHECK(strstr(text, "layers          between 3 and 12: 2\n") && strstr(text, "whole"));
        free(text);
    }
}

/* Magnitudes that are too few, or of experts, are not read behind their end. */
TEST(info_adapter, of_dora_that_does_not_fit) {
    static const tiny_adapter options = {4, 6, 1, 1, 0, FT__FORMAT_F32, false};
    const float one_number = 1;
    char model[256], adapter[256];
    snprintf(model, sizeof model, "%s", test_path("dora-model.gguf"));
    snprintf(adapter, sizeof adapter, "%s", test_path("dora-wrong.gguf"));
    tiny_write_model(model, NULL);
    tiny_write_adapter(test_path("adapter.gguf"), NULL, &options);
    for (int n = 1; n < 64; n += 62) {
        ft__arena arena;
        edit e;
        edit_begin(&e, test_path("adapter.gguf"));
        edit_tensor(&e, "blk.0.attn_q.weight.dora_scale", FT__FORMAT_F32, n, 1, n == 1 ? &one_number : NULL);
        edit_save(&e, adapter);
        ft__json *json = report_json(model, adapter, &arena);
        const ft__json *q = one(json, "changes", "name", "blk.0.attn_q.weight");
        const ft__json *relative = ft__json_get(q, "relative");
        CHECK(!relative || relative->type == FT__JSON_NULL);
        ft__arena_free(&arena);
    }
}

/* Factors of ones: each row of BA is `rank` in every place; q has 64 rows of 64. */
TEST(info_adapter, of_a_peft_folder_beside_its_model) {
    static const char *const names[] = {"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
                                        "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"};
    static const int shapes[][2] = {{4, 64}, {64, 4}};
    char folder[256], model[256];
    ft__arena arena;
    snprintf(folder, sizeof folder, "%s", test_path("peft-for-tiny"));
    snprintf(model, sizeof model, "%s", test_path("peft-model.gguf"));
    tiny_write_model(model, NULL);
    write_peft(folder,
               "{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8, \"target_modules\": [\"q_proj\"], "
               "\"layers_to_transform\": [0]}",
               names, shapes, 2);
    ft__json *json = report_json(model, folder, &arena);
    check_text(json, "format", "PEFT");
    CHECK_NEAR(number(json, "problems"), 0, 0);
    const ft__json *q = one(json, "modules", "module", "attn_q");
    CHECK_NEAR(number(q, "norm_mean"), 2 * 4 * 64.0, 1e-6);
    CHECK(number(q, "relative_mean") > 0);
    ft__arena_free(&arena);
}

TEST(info_adapter, of_peft_folders_that_do_not_agree) {
    static const char *const names[] = {Q "lora_A.weight", Q "lora_B.weight"};
    static const int shapes[][2] = {{4, 16}, {8, 4}};
    ft__arena arena;
    ft_error err;
    ft__buf out;
    char folder[256];
    snprintf(folder, sizeof folder, "%s", test_path("peft2"));
    write_peft(folder, "{\"peft_type\": \"LORA\", \"r\": 8, \"lora_alpha\": 8}", names, shapes, 2);
    ft__json *json = report_json(NULL, folder, &arena);
    check_text(ft__json_get(json, "changes")->child, "problem", "rank 4, but adapter_config.json says 8");
    ft__arena_free(&arena);
    /* a regular expression may or may not be meant: then the scale is not known */
    write_peft(folder, "{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8, \"alpha_pattern\": {\"q_.*\": 1}}",
               names, shapes, 2);
    json = report_json(NULL, folder, &arena);
    CHECK(ft__json_get(ft__json_get(json, "changes")->child, "scale")->type == FT__JSON_NULL);
    CHECK(ft__json_get(ft__json_get(json, "changes")->child, "norm")->type == FT__JSON_NULL);
    ft__arena_free(&arena);
    write_peft(folder, "{\"peft_type\": \"LOHA\"}", names, shapes, 2);
    json = report_json(NULL, folder, &arena);
    check_text(json, "method", "LOHA, which is not in this version");
    ft__arena_free(&arena);
    ft__buf_init(&out, NULL);
    write_peft(folder, "[1]", names, shapes, 2);
    CHECK_ERROR(ft_info(folder, false, take, &out, &err), FT_ERR_FORMAT, err, "expected an object, found array");
    write_peft(folder, "{", names, shapes, 2);
    CHECK_ERROR(ft_info(folder, false, take, &out, &err), FT_ERR_FORMAT, err, "adapter_config.json:1");
    remove(test_path("peft2/adapter_model.safetensors"));
    write_peft(folder, "{}", names, shapes, 2);
    test_write(test_path("peft2/adapter_model.safetensors"), "12345678{", 9);
    CHECK_ERROR(ft_info(folder, false, take, &out, &err), FT_ERR_FORMAT, err, "adapter_model.safetensors");
    ft__buf_free(&out);
}

/* The GGUF and the PEFT form of one adapter say the same; all folders of the reference data have a report. */
TEST(info_adapter, of_the_reference_files) {
    static const char *const kinds[][2] = {{"lora", "LoRA"}, {"rslora", "rsLoRA"}, {"dora", "DoRA"}, {"vera", "VeRA"},
                                           {"pattern", "LoRA"}};
    static const char *const bases[] = {"llama", "qwen3"};
    char path[128], gguf[1024], peft[1024], model[1024];
    if (!test_shared("lora/llama/manifest.json")) SKIP("no ../shared");
    for (size_t b = 0; b < 2; b++) {
        ft__arena one_arena, other_arena;
        for (size_t k = 0; k < FT__COUNT(kinds); k++) {
            snprintf(path, sizeof path, "lora/%s/%s-peft", bases[b], kinds[k][0]);
            ft__json *json = report_json(NULL, test_shared(path), &one_arena);
            check_text(json, "method", kinds[k][1]);
            CHECK_NEAR(number(json, "problems"), 0, 0);
            ft__arena_free(&one_arena);
        }
        snprintf(path, sizeof path, "lora/%s/lora-peft", bases[b]);
        snprintf(peft, sizeof peft, "%s", test_shared(path));
        snprintf(path, sizeof path, "lora/%s/lora.gguf", bases[b]);
        snprintf(gguf, sizeof gguf, "%s", test_shared(path));
        snprintf(path, sizeof path, "logits/%s.gguf", bases[b]);
        snprintf(model, sizeof model, "%s", test_shared(path));
        ft__json *x = report_json(model, gguf, &one_arena), *y = report_json(NULL, peft, &other_arena);
        CHECK_NEAR(number(x, "problems"), 0, 0);
        const ft__json *q = one(x, "modules", "module", "ffn_down");
        const double norm = number(one(y, "modules", "module", "mlp.down_proj"), "norm_mean");
        CHECK_NEAR(number(q, "norm_mean"), norm, 1e-9 * norm);
        CHECK(number(q, "relative_mean") > 0.1 && number(q, "relative_mean") < 2);
        ft__arena_free(&other_arena);
        y = report_json(model, peft, &other_arena); /* the folder as the model takes it: the same */
        check_text(y, "format", "PEFT");
        const ft__json *same = one(y, "modules", "module", "ffn_down");
        CHECK_NEAR(number(same, "relative_mean"), number(q, "relative_mean"), 1e-9);
        ft__arena_free(&one_arena);
        ft__arena_free(&other_arena);
    }
}
