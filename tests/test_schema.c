/* JSON Schema: the official suite from ../shared/data/json-schema, and cases of our own. */
#include "../src/eval/eval.h"
#include "test.h"

#include <dirent.h>
#include <sys/stat.h>

/* ---- the suite */

typedef struct suite {
    ft__arena arena; /* the remotes */
    ft__schema_document documents[200];
    size_t n_documents;
    bool formats;  /* asserted */
    bool required; /* all have to pass; else they are listed */
    long passed, total;
} suite;

static ft__json *parse(ft__arena *arena, const char *text, size_t n) {
    ft__json *value;
    ft_error err;
    return CHECK_OK(ft__json_parse(text, n, "test", 1, arena, &value, &err), err) ? value : NULL;
}

/* Everything under remotes/, as a server at localhost:1234 would give it. */
static void load_remotes(suite *s, const char *folder, const char *uri) {
    DIR *d = opendir(folder);
    if (!CHECK(d != NULL)) return;
    for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
        const char *name = entry->d_name;
        if (name[0] == '.') continue;
        char *path = ft__arena_printf(&s->arena, "%s/%s", folder, name);
        char *address = ft__arena_printf(&s->arena, "%s/%s", uri, name);
        struct stat st;
        if (!CHECK(stat(path, &st) == 0)) continue;
        if (S_ISDIR(st.st_mode)) {
            load_remotes(s, path, address);
        } else if (CHECK(s->n_documents < FT__COUNT(s->documents))) {
            size_t n;
            char *text = test_read(path, &n);
            ft__schema_document *document = &s->documents[s->n_documents++];
            document->uri = address;
            document->value = parse(&s->arena, text, n);
            free(text);
        }
    }
    closedir(d);
}

static void run_group(suite *s, const ft__json *group, unsigned draft, long *passed, long *total) {
    ft_allocator a = ft__allocator(NULL);
    ft__arena arena;
    ft_error err = {FT_OK, "", ""};
    ft__schema *schema = ft__schema_compile(ft__json_get(group, "schema"), draft, s->documents,
                                            s->n_documents, NULL, &err);
    ft__arena_init(&arena, &a);
    if (!schema && s->required)
        test_note("  [%s] %s", ft__json_get(group, "description")->text, err.message);
    for (const ft__json *t = ft__json_get(group, "tests")->child; t; t = t->next) {
        char why[160] = "";
        bool valid = false, expected = ft__json_get(t, "valid")->type == FT__JSON_TRUE;
        ft__json *value = ft__json_sorted_copy(ft__json_get(t, "data"), &arena);
        ++*total;
        if (!schema) continue;
        ft_status status = ft__schema_check(schema, value, s->formats, &valid, why, &err);
        if (status == FT_OK && !CHECK((why[0] == 0) == valid)) continue;
        if (status == FT_OK && valid == expected)
            ++*passed;
        else if (s->required)
            test_note("  [%s | %s] %s", ft__json_get(group, "description")->text,
                      ft__json_get(t, "description")->text, status ? err.message : why);
    }
    ft__schema_free(schema);
    ft__arena_free(&arena);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All files of a folder. */
static void run_folder(suite *s, const char *folder, unsigned draft) {
    char path[600], *names[100];
    size_t n_names = 0, n;
    const char *full = test_shared(folder);
    DIR *d = full ? opendir(full) : NULL;
    ft_allocator a = ft__allocator(NULL);
    if (!CHECK(d != NULL)) return;
    for (struct dirent *entry; (entry = readdir(d)) != NULL;)
        if (strstr(entry->d_name, ".json") && n_names < FT__COUNT(names))
            names[n_names++] = strdup(entry->d_name);
    closedir(d);
    qsort(names, n_names, sizeof *names, compare_names);
    for (size_t i = 0; i < n_names; i++) {
        long passed = 0, total = 0;
        ft__arena arena;
        ft__arena_init(&arena, &a);
        snprintf(path, sizeof path, "%s/%s", test_shared(folder), names[i]);
        char *text = test_read(path, &n);
        const ft__json *groups = text ? parse(&arena, text, n) : NULL;
        for (const ft__json *g = groups ? groups->child : NULL; g; g = g->next)
            run_group(s, g, draft, &passed, &total);
        if (!s->required || passed != total)
            test_note("%s/%s: %ld of %ld %s", folder + strlen("json-schema/tests/"), names[i],
                      passed, total, passed == total ? "passed" : "NOT ALL PASSED");
        if (s->required) CHECK_INT(passed, total);
        CHECK(total > 0);
        s->passed += passed;
        s->total += total;
        free(text);
        free(names[i]);
        ft__arena_free(&arena);
    }
}

static bool suite_begin(suite *s, bool required) {
    ft_allocator a = ft__allocator(NULL);
    const char *remotes = test_shared("json-schema/remotes");
    memset(s, 0, sizeof *s);
    if (!remotes) return false;
    ft__arena_init(&s->arena, &a);
    s->required = required;
    load_remotes(s, remotes, "http://localhost:1234");
    return true;
}

static void suite_end(suite *s, const char *name) {
    test_note("%s: %ld of %ld tests passed", name, s->passed, s->total);
    ft__arena_free(&s->arena);
}

TEST(schema, draft7) {
    suite s;
    if (!suite_begin(&s, true)) SKIP("no ../shared");
    run_folder(&s, "json-schema/tests/draft7", FT__DRAFT_7);
    CHECK(s.total > 900);
    suite_end(&s, "required, draft 7");
}

TEST(schema, draft2020_12) {
    suite s;
    if (!suite_begin(&s, true)) SKIP("no ../shared");
    run_folder(&s, "json-schema/tests/draft2020-12", FT__DRAFT_2020);
    CHECK(s.total > 1200);
    suite_end(&s, "required, 2020-12");
}

TEST(schema, optional) {
    suite s;
    if (!suite_begin(&s, false)) SKIP("no ../shared");
    run_folder(&s, "json-schema/tests/draft7/optional", FT__DRAFT_7);
    run_folder(&s, "json-schema/tests/draft2020-12/optional", FT__DRAFT_2020);
    s.formats = true;
    run_folder(&s, "json-schema/tests/draft7/optional/format", FT__DRAFT_7);
    run_folder(&s, "json-schema/tests/draft2020-12/optional/format", FT__DRAFT_2020);
    suite_end(&s, "optional, both drafts");
}

/* ---- our own */

/* Compiles and checks; 1 valid, 0 not, -1 with the error in *err. */
static int verdict(const char *schema_text, const char *value_text, bool formats, char why[160],
                   ft_error *err) {
    ft_allocator a = ft__allocator(NULL);
    ft__arena arena;
    bool valid = false;
    int result = -1;
    err->code = FT_OK;
    why[0] = 0;
    ft__arena_init(&arena, &a);
    ft__json *schema = parse(&arena, schema_text, strlen(schema_text));
    ft__json *value = parse(&arena, value_text, strlen(value_text));
    if (schema && value) {
        ft__json_sort(value);
        ft__schema *s = ft__schema_compile(schema, FT__DRAFT_2020, NULL, 0, NULL, err);
        if (s && ft__schema_check(s, value, formats, &valid, why, err) == FT_OK) result = valid;
        ft__schema_free(s);
    }
    ft__arena_free(&arena);
    return result;
}

TEST(schema, says_where_and_why) {
    static const char *const cases[][3] = {
        {"{\"type\": \"object\"}", "[]", "\"\": type: expected object, found array"},
        {"{\"type\": [\"integer\", \"null\"]}", "1.5",
         "\"\": type: expected null or integer, found number"},
        {"{\"properties\": {\"a\": {\"items\": {\"minimum\": 3}}}}", "{\"b\": 0, \"a\": [3, 2]}",
         "\"/a/1\": minimum: 3, found 2"},
        {"{\"required\": [\"b\", \"a\"]}", "{\"b\": 1}", "\"\": required: no \"a\""},
        {"{\"additionalProperties\": false}", "{\"x\": 1}",
         "\"/x\": additionalProperties: not allowed"},
        {"{\"properties\": {\"a\": {\"type\": \"null\"}}, \"additionalProperties\": false}",
         "{\"a\": null, \"x\": 1}", "\"/x\": additionalProperties: not allowed"},
        {"{\"properties\": {\"a\": true}, \"unevaluatedProperties\": false}",
         "{\"a\": null, \"x\": 1}", "\"/x\": unevaluatedProperties: not allowed"},
        {"{\"anyOf\": [{\"type\": \"null\"}, {\"items\": false}]}", "[1]",
         "\"\": anyOf: none holds"},
        {"{\"oneOf\": [{}, true]}", "1", "\"\": oneOf: more than one holds"},
        {"{\"contains\": {\"const\": 1}, \"minContains\": 2}", "[1, 2]",
         "\"\": contains: at least 2, found 1"},
        {"{\"allOf\": [{\"maxLength\": 1}]}", "\"ab\"", "\"\": maxLength: 1, found 2"},
        {"{\"propertyNames\": {\"pattern\": \"^b\"}}", "{\"a\": 1}",
         "\"/a\": pattern: no match in \"a\""},
        {"{\"format\": \"date\"}", "\"today\"", "\"\": format: \"today\" is no date"},
        {"{\"uniqueItems\": true}", "[{\"a\": [1], \"b\": 2}, 1, {\"b\": 2.0, \"a\": [1.0]}]",
         "\"\": uniqueItems: two items are equal"},
        {"{\"multipleOf\": 0.01}", "0.075", "\"\": multipleOf"},
        {"{\"not\": {}}", "1", "\"\": not: it holds"},
        {"false", "1", "\"\": false: not allowed"},
    };
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        char why[160];
        ft_error err;
        CHECK_INT(verdict(cases[i][0], cases[i][1], true, why, &err), 0);
        CHECK_TEXT(why, cases[i][2]);
    }
}

TEST(schema, numbers_are_exact) {
    static const struct {
        const char *schema, *value;
        int valid;
    } cases[] = {
        {"{\"const\": 9007199254740993}", "9007199254740992", 0},
        {"{\"const\": 9007199254740993}", "9007199254740993.0", 1},
        {"{\"enum\": [1, true, \"1\"]}", "1.0", 1},
        {"{\"enum\": [[1]]}", "[true]", 0},
        {"{\"enum\": []}", "1", 0},
        {"{\"maximum\": 18446744073709551615}", "18446744073709551616", 0},
        {"{\"multipleOf\": 0.01}", "19.99", 1},
        {"{\"multipleOf\": 0.01}", "19.999", 0},
        {"{\"multipleOf\": 3}", "300000000000000000000000000000000000000000000003", 1},
        {"{\"multipleOf\": 3}", "300000000000000000000000000000000000000000000004", 0},
        {"{\"multipleOf\": 20}", "1e2", 1},
        {"{\"multipleOf\": 20}", "1e1", 0},
        {"{\"multipleOf\": 1e-8}", "12391239123", 1},
        {"{\"multipleOf\": 1.2345678901234567890123}", "2.469135780246913578", 1},
        {"{\"multipleOf\": 7}", "-0.0", 1},
        {"{\"type\": \"integer\"}", "1e2", 1},
        {"{\"type\": \"integer\"}", "12.50e1", 1},
        {"{\"type\": \"integer\"}", "1.25e1", 0},
        {"{\"type\": \"integer\"}", "9007199254740993.5", 0},
        {"{\"type\": \"integer\"}", "0.0", 1},
        {"{\"minLength\": 2.0}", "\"a\"", 0},
        {"{\"const\": {\"a\": 1, \"b\": 2}}", "{\"b\": 2, \"a\": 0, \"a\": 1}", 1},
    };
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        char why[160];
        ft_error err;
        if (!CHECK_INT(verdict(cases[i].schema, cases[i].value, false, why, &err), cases[i].valid))
            test_note("%s %s", cases[i].schema, cases[i].value);
    }
}

TEST(schema, bad_schemas_are_errors) {
    static const char *const cases[][2] = {
        {"5", "must be a schema"},
        {"{\"type\": \"strin\"}", "\"type\" must be the name of a type"},
        {"{\"type\": [5]}", "\"type\""},
        {"{\"properties\": []}", "\"properties\" must be an object, found array"},
        {"{\"properties\": {\"a\": 1}}", "\"properties\" must be a schema"},
        {"{\"items\": [{}]}", "\"items\" must be a schema"},
        {"{\"items\": {\"minimum\": \"3\"}}", "\"minimum\" must be a number, found \"3\""},
        {"{\"multipleOf\": 0}", "\"multipleOf\""},
        {"{\"maxItems\": -1}", "\"maxItems\""},
        {"{\"maxItems\": 1.5}", "\"maxItems\""},
        {"{\"enum\": 1}", "\"enum\" must be a list"},
        {"{\"required\": [1]}", "\"required\""},
        {"{\"required\": true}", "\"required\""},
        {"{\"allOf\": {}}", "\"allOf\" must be a list"},
        {"{\"uniqueItems\": 1}", "\"uniqueItems\""},
        {"{\"dependentRequired\": {\"a\": 1}}", "\"dependentRequired\""},
        {"{\"dependentSchemas\": {\"a\": []}}", "\"dependentSchemas\""},
        {"{\"if\": 1}", "\"if\""},
        {"{\"if\": true, \"then\": 1}", "\"then\""},
        {"{\"pattern\": \"(\"}", "pattern"},
        {"{\"patternProperties\": {\"[\": {}}}", "patternProperties"},
        {"{\"format\": 1}", "\"format\""},
        {"{\"$ref\": 1}", "\"$ref\""},
        {"{\"$ref\": \"#/nowhere\"}", "\"#/nowhere\" leads nowhere"},
        {"{\"$ref\": \"#/a\", \"a\": 5}", "leads nowhere"},
        {"{\"$ref\": \"#/a/01\", \"a\": [{}]}", "leads nowhere"},
        {"{\"$ref\": \"#name\"}", "leads nowhere"},
        {"{\"$ref\": \"http://x.test/s\"}", "leads nowhere"},
        {"{\"$schema\": \"http://x.test/s\"}", "unknown $schema \"http://x.test/s\""},
        {"{\"$schema\": \"https://json-schema.org/draft/2019-09/schema\", \"$recursiveRef\": "
         "\"#\"}",
         "$recursiveRef"},
    };
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        char why[160];
        ft_error err;
        CHECK_INT(verdict(cases[i][0], "1", false, why, &err), -1);
        CHECK_ERROR(err.code, err.code == FT_ERR_UNSUPPORTED ? FT_ERR_UNSUPPORTED : FT_ERR_DATA,
                    err, cases[i][1]);
    }
    /* What nothing refers to is not looked at. */
    char why[160];
    ft_error err;
    CHECK_INT(verdict("{\"$defs\": {\"a\": {\"$ref\": \"#/nowhere\", \"type\": 5}}}", "1", false,
                      why, &err),
              1);
}

/* Schemas without end, and those that take exponential time, are errors and no verdict. */
TEST(schema, is_bounded) {
    char why[160];
    ft_error err;
    static const char *const endless[] = {
        "{\"$ref\": \"#\"}",
        "{\"not\": {\"$ref\": \"#\"}}",
        ("{\"$ref\": \"#/$defs/a\", \"$defs\": {\"a\": {\"allOf\": [{\"$ref\": \"#/$defs/b\"}]}, "
         "\"b\": {\"if\": {\"$ref\": \"#/$defs/a\"}, \"else\": false}}}"),
        "{\"$dynamicAnchor\": \"a\", \"anyOf\": [{\"$dynamicRef\": \"#a\"}, true]}",
    };
    for (size_t i = 0; i < FT__COUNT(endless); i++) {
        CHECK_INT(verdict(endless[i], "1", false, why, &err), -1);
        CHECK_ERROR(err.code, FT_ERR_LIMIT, err, "without end");
    }
    ft__buf b;
    ft__buf_init(&b, NULL);
    ft__buf_text(&b, "{\"$ref\": \"#/$defs/s0\", \"$defs\": {");
    for (int i = 0; i < 40; i++)
        ft__buf_printf(
            &b,
            "\"s%d\": {\"allOf\": [{\"$ref\": \"#/$defs/s%d\"}, {\"$ref\": \"#/$defs/s%d\"}]}, ", i,
            i + 1, i + 1);
    ft__buf_text(&b, "\"s40\": true}}");
    double start = ft__seconds();
    CHECK_INT(verdict(b.data, "1", false, why, &err), -1);
    CHECK_ERROR(err.code, FT_ERR_LIMIT, err, "steps");
    CHECK(ft__seconds() - start < 20);

    /* A tree that the schema goes down with the value ends where the value ends. */
    b.len = 0;
    for (int i = 0; i < FT__JSON_MAX_DEPTH; i++) ft__buf_text(&b, "[");
    for (int i = 0; i < FT__JSON_MAX_DEPTH; i++) ft__buf_text(&b, "]");
    CHECK_INT(verdict("{\"type\": \"array\", \"items\": {\"anyOf\": [{\"$ref\": \"#\"}, false]}}",
                      b.data, false, why, &err),
              1);
    ft__buf_free(&b);
}

/* Large arrays, enums and objects, compared pair by pair, would take minutes. */
TEST(schema, large_values_take_little_time) {
    enum { N = 100000 };
    char why[160];
    ft_error err;
    ft__buf schema, value;
    ft__buf_init(&schema, NULL);
    ft__buf_init(&value, NULL);
    ft__buf_text(&schema, "{\"uniqueItems\": true, \"items\": {\"enum\": [");
    for (int i = 0; i < N; i++) {
        ft__buf_printf(&schema, "%s{\"a\": \"some text %d\"}", i ? "," : "", i);
        ft__buf_printf(&value, "%s{\"a\": \"some text %d\"}", i ? "," : "[", N - 1 - i);
    }
    ft__buf_text(&schema, "]}}");
    ft__buf_text(&value, "]");
    double start = ft__seconds();
    CHECK_INT(verdict(schema.data, value.data, false, why, &err), 1);
    schema.len = value.len = 0;
    ft__buf_text(&schema, "{\"unevaluatedProperties\": false, \"properties\": {");
    for (int i = 0; i < N; i++) {
        ft__buf_printf(&schema, "%s\"k%d\": true", i ? "," : "", i);
        ft__buf_printf(&value, "%s\"k%d\": 1", i ? "," : "{", N - 1 - i);
    }
    ft__buf_text(&schema, "}, \"required\": [\"k0\"");
    for (int i = 0; i < N; i++) ft__buf_printf(&schema, ",\"k%d\"", i);
    ft__buf_text(&schema, "]}");
    ft__buf_text(&value, "}");
    CHECK_INT(verdict(schema.data, value.data, false, why, &err), 1);
    CHECK(ft__seconds() - start < 10);
    ft__buf_free(&schema);
    ft__buf_free(&value);
}

static ft_score judge(const char *params, const char *row_json, const char *output) {
    ft_error err = {FT_OK, "", ""};
    ft_score s;
    memset(&s, 0, sizeof s);
    ft_evaluator *e = ft_evaluator_create("json_schema", params, NULL, &err);
    ft_row *row = ft_row_parse(row_json, strlen(row_json), NULL, &err);
    if (CHECK(e && row))
        CHECK_OK(ft_evaluate(e, row, output, strlen(output), &s, &err), err);
    else
        test_note("%s", err.message);
    ft_row_free(row);
    ft_evaluator_free(e);
    return s;
}

TEST(schema, evaluator) {
    const char *given = "{\"schema\": {\"format\": \"date\"}}";
    CHECK_INT(judge(NULL, "{\"schema\": {\"type\": \"array\"}}", "[]").pass, 1);
    CHECK_INT(judge(NULL, "{\"schema\": false}", "[]").pass, 0);
    CHECK_INT(judge(given, "{\"schema\": false}", "\"x\"").pass, 1); /* the parameter's wins */
    CHECK_INT(judge("{\"schema\": {\"format\": \"date\"}, \"format\": true}", "{}", "\"x\"").pass,
              0);
    CHECK_INT(judge(given, "{}", "it is [1]").pass, 0);
    CHECK_INT(
        judge("{\"schema\": {\"items\": [{}, false]}, \"draft\": \"draft7\", \"extract\": true}",
              "{}", "it is [1]")
            .pass,
        1);
    ft_score s = judge(NULL, "{\"schema\": {\"type\": 5}}", "[]");
    CHECK_INT(s.state, FT_SCORE_ERROR);
    CHECK_INT(judge(NULL, "{\"schema\": {\"$ref\": \"#\"}}", "[]").state, FT_SCORE_ERROR);
    CHECK_INT(judge(NULL, "{\"schema\": {}}", "no").state, FT_SCORED);
    ft_error err = {FT_OK, "", ""};
    CHECK(!ft_evaluator_create("json_schema", "{\"schema\": {\"type\": 5}}", NULL, &err));
    CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, "parameter \"schema\"");
    CHECK(!ft_evaluator_create("json_schema", "{\"draft\": \"4\"}", NULL, &err));
    CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, "\"draft\"");
}

/* The metaschemas accept each other and every schema that this file calls good. */
TEST(schema, metaschemas) {
    static const char *const uris[] = {"http://json-schema.org/draft-07/schema#",
                                       "https://json-schema.org/draft/2020-12/schema"};
    for (size_t i = 0; i < FT__COUNT(uris); i++) {
        char schema[120], why[160];
        ft_error err;
        snprintf(schema, sizeof schema, "{\"$ref\": \"%s\"}", uris[i]);
        CHECK_INT(
            verdict(schema, "{\"properties\": {\"a\": {\"type\": [\"null\"]}}}", true, why, &err),
            1);
        CHECK_INT(verdict(schema, "{\"allOf\": [{\"not\": {\"type\": \"nul\"}}]}", true, why, &err),
                  0);
        CHECK_INT(verdict(schema, "{\"patternProperties\": {\"a(\": true}}", true, why, &err), 0);
        CHECK_INT(verdict(schema, "{\"multipleOf\": 0}", true, why, &err), 0);
        CHECK_INT(verdict(schema, "{\"required\": [\"a\", \"a\"]}", true, why, &err), 0);
        CHECK_INT(verdict(schema, "true", true, why, &err), 1);
        CHECK_INT(verdict(schema, "1", true, why, &err), 0);
    }
}

TEST(schema, uris_resolve) {
    static const char *const cases[][3] = {
        {"http://a/b/c/d;p?q", "g", "http://a/b/c/g"},
        {"http://a/b/c/d;p?q", "../../../g/./h/../i?x#y", "http://a/g/i?x#y"},
        {"http://a/b/c/d;p?q", "", "http://a/b/c/d;p?q"},
        {"http://a/b/c/d;p?q", "?y", "http://a/b/c/d;p?y"},
        {"http://a/b/c/d;p?q", "#s", "http://a/b/c/d;p?q#s"},
        {"http://a/b/c/d;p?q", "//g", "http://g"},
        {"http://a/b/c/d;p?q", "/g", "http://a/g"},
        {"http://a/b/c/d;p?q", ".", "http://a/b/c/"},
        {"http://a/b/c/d;p?q", "..", "http://a/b/"},
        {"http://a/b/c/d;p?q", "g:h", "g:h"},
        {"http://a", "g", "http://a/g"},
        {"", "./g", "g"},
        {"", "../g/h", "g/h"},
        {"urn:x:y", "#z", "urn:x:y#z"},
        {"a/b", "c", "a/c"},
    };
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        ft__buf out;
        ft__view base = {cases[i][0], strlen(cases[i][0])},
                 ref = {cases[i][1], strlen(cases[i][1])};
        ft__buf_init(&out, NULL);
        ft__uri_resolve(base, ref, &out);
        CHECK_TEXT(out.data, cases[i][2]);
        ft__buf_free(&out);
    }
}
