/* JSON Schema, drafts 7 and 2020-12: json-schema.org's core and validation documents.

   Compiling takes two steps.  Walking a document finds every place that holds a subschema and gives
   it a node; on the way it learns the document's resources ($id) and anchors.  Building then turns
   the keywords of a node into rules (schema_rules.c), beginning at the root and going wherever a
   rule leads, so that what nothing refers to is never built.  A document is a sorted copy of the
   caller's; the text pointer of an object or boolean, which JSON leaves free, holds its node.
   Checking (schema_check.c) walks rules.

   This room walks, finds what references mean, and has the metric and the evaluator.

   Beyond the two drafts: 2019-09 is understood without $recursiveRef and draft 6 as draft 7, since
   schemas may refer to such; `dependencies` keeps working in 2020-12.  A $schema unknown to us and
   to the caller is an error, as is one that requires a vocabulary we do not have.  contentEncoding
   and contentMediaType are annotations.  Documents are no deeper than the JSON parser allows. */
#include "schema.h"

/* ---- tools */

/* The place for this text's item; NULL: out of memory.  The text is copied. */
static void **ft__schema_index_at(ft__schema_index *index, ft__view text, ft__arena *arena) {
    ft__view own = {ft__arena_text(arena, text.text, text.n), text.n};
    if (!own.text) return NULL;
    size_t id = ft__interner_id(&index->texts, own);
    if (index->texts.failed) return NULL;
    if (!ft__grow(&arena->allocator, (void **)&index->items, &index->cap, id + 1,
                  sizeof *index->items))
        return NULL;
    for (; index->n <= id; index->n++) index->items[index->n] = NULL;
    return &index->items[id];
}

static void ft__schema_index_free(ft__schema_index *index) {
    ft_allocator a = index->texts.allocator;
    ft__interner_free(&index->texts);
    ft__free(&a, index->items);
}

FT__PRIV void *ft__schema_new(ft__schema_compiler *c, size_t count, size_t size) {
    return ft__arena_alloc(c->arena, count ? count : 1, size);
}

static const ft__json *ft__schema_get_string(const ft__json *object, const char *key) {
    const ft__json *v = ft__json_get(object, key);
    return v && v->type == FT__JSON_STRING ? v : NULL;
}

FT__PRIV ft__schema_node *ft__schema_node_of(const ft__json *v) {
    bool may = v->type == FT__JSON_OBJECT || v->type == FT__JSON_TRUE || v->type == FT__JSON_FALSE;
    return may ? (ft__schema_node *)(void *)v->text : NULL;
}

/* ---- walking documents */

static ft__view ft__schema_without_fragment(ft__view uri) {
    const char *hash = uri.n ? (const char *)memchr(uri.text, '#', uri.n) : NULL;
    if (hash) uri.n = (size_t)(hash - uri.text);
    return uri;
}

/* The reference made absolute, in the arena; .text NULL: out of memory. */
static ft__view ft__schema_absolute(ft__schema_compiler *c, ft__view base, ft__view reference) {
    ft__buf out;
    ft__buf_init(&out, &c->arena->allocator);
    ft__uri_resolve(base, reference, &out);
    ft__view v = ft__buf_keep(&out, c->arena);
    ft__buf_free(&out);
    return v;
}

static const char ft__schema_vocabularies[] = "https://json-schema.org/draft/2020-12/vocab/";

/* What a metaschema of someone else's own requires. */
static ft_status ft__schema_read_vocabulary(ft__schema_compiler *c, const ft__json *vocabulary,
                                            ft__schema_resource *resource) {
    size_t n = sizeof ft__schema_vocabularies - 1;
    resource->validates = false;
    for (const ft__json *v = vocabulary->child; v; v = v->next) {
        bool ours = v->key_len > n && memcmp(v->key, ft__schema_vocabularies, n) == 0;
        if (!ours && v->type == FT__JSON_TRUE)
            return ft__fail(c->err, FT_ERR_UNSUPPORTED, "",
                            "schema: the vocabulary \"%.100s\" is required, but unknown", v->key);
        if (ours && strcmp(v->key + n, "validation") == 0) resource->validates = true;
        if (ours && strcmp(v->key + n, "format-assertion") == 0) resource->asserts_formats = true;
    }
    return FT_OK;
}

static const ft__json *ft__schema_given(const ft__schema_compiler *c, ft__view uri) {
    for (size_t i = 0; i < c->n_documents; i++)
        if (ft__text_is(uri, c->documents[i].uri)) return c->documents[i].value;
    return NULL;
}

/* The dialect of a resource, from its $schema; without one it stays what it was. */
static ft_status ft__schema_read_dialect(ft__schema_compiler *c, ft__schema_resource *resource) {
    static const struct {
        const char *uri;
        unsigned draft;
    } known[] = {
        {"http://json-schema.org/draft-06/schema", FT__DRAFT_7},
        {"http://json-schema.org/draft-07/schema", FT__DRAFT_7},
        {"https://json-schema.org/draft-07/schema", FT__DRAFT_7},
        {"https://json-schema.org/draft/2019-09/schema", FT__DRAFT_2019},
        {"https://json-schema.org/draft/2020-12/schema", FT__DRAFT_2020},
    };
    const ft__json *name = ft__schema_get_string(resource->root, "$schema"), *meta, *vocabulary;
    if (!name) return FT_OK;
    resource->validates = true;
    resource->asserts_formats = false;
    for (int hops = 0; hops < 8; hops++) {
        ft__view uri = ft__schema_without_fragment(ft__json_view(name));
        for (size_t i = 0; i < FT__COUNT(known); i++)
            if (ft__text_is(uri, known[i].uri)) {
                resource->draft = known[i].draft;
                return FT_OK;
            }
        meta = ft__schema_given(c, uri);
        vocabulary = ft__json_get(meta, "$vocabulary");
        if (hops == 0 && vocabulary && vocabulary->type == FT__JSON_OBJECT) {
            ft_status status = ft__schema_read_vocabulary(c, vocabulary, resource);
            if (status != FT_OK) return status;
        }
        if (meta) meta = ft__schema_get_string(meta, "$schema");
        if (!meta) break;
        name = meta;
    }
    return ft__fail(c->err, FT_ERR_UNSUPPORTED, "", "schema: unknown $schema \"%.100s\"",
                    name->text);
}

static ft_status ft__schema_add_resource(ft__schema_compiler *c, ft__view uri, ft__json *root,
                                         const ft__schema_resource *parent,
                                         ft__schema_resource **resource) {
    void **place = ft__schema_index_at(&c->resources, uri, c->arena);
    ft__schema_resource *r = (ft__schema_resource *)ft__schema_new(c, 1, sizeof *r);
    if (!place || !r) return ft__fail_memory(c->err);
    r->uri = uri;
    r->root = root;
    r->draft = parent ? parent->draft : c->draft;
    r->validates = !parent || parent->validates;
    r->asserts_formats = parent && parent->asserts_formats;
    r->next = c->all;
    c->all = r;
    *resource = r;
    *place = r;
    return ft__schema_read_dialect(c, r);
}

static void **ft__schema_anchor_place(ft__schema_compiler *c, ft__view uri, ft__view name) {
    ft__view v = {NULL, uri.n + 1 + name.n};
    char *text = (char *)ft__schema_new(c, v.n, 1);
    if (!text) return NULL;
    if (uri.n) memcpy(text, uri.text, uri.n);
    text[uri.n] = '#';
    if (name.n) memcpy(text + uri.n + 1, name.text, name.n);
    v.text = text;
    return ft__schema_index_at(&c->anchors, v, c->arena);
}

static ft_status ft__schema_add_anchor(ft__schema_compiler *c, ft__schema_node *node, ft__view name,
                                       bool dynamic) {
    void **place = ft__schema_anchor_place(c, node->resource->uri, name);
    if (!place) return ft__fail_memory(c->err);
    *place = node;
    if (!dynamic) return FT_OK;
    ft__schema_anchor *anchor = (ft__schema_anchor *)ft__schema_new(c, 1, sizeof *anchor);
    if (!anchor) return ft__fail_memory(c->err);
    anchor->name = name;
    anchor->node = node;
    anchor->next = node->resource->dynamic;
    node->resource->dynamic = anchor;
    return FT_OK;
}

/* $id begins a resource, unless this is the root of one that was loaded; then it renames it.  In
   draft 7 its fragment is an anchor, and beside $ref it means nothing. */
static ft_status ft__schema_read_id(ft__schema_compiler *c, ft__schema_node *node, ft__json *v) {
    const ft__json *id = ft__schema_get_string(v, "$id");
    bool old = node->resource->draft == FT__DRAFT_7;
    if (!id || (old && ft__json_get(v, "$ref"))) return FT_OK;
    ft__view whole = ft__json_view(id), uri = ft__schema_without_fragment(whole);
    if (uri.n) {
        uri = ft__schema_absolute(c, node->resource->uri, uri);
        if (!uri.text) return ft__fail_memory(c->err);
        if (node->resource->root == v) {
            void **place = ft__schema_index_at(&c->resources, uri, c->arena);
            if (!place) return ft__fail_memory(c->err);
            node->resource->uri = uri;
            *place = node->resource;
        } else {
            ft_status status =
                ft__schema_add_resource(c, uri, v, node->resource, &node->resource);
            if (status != FT_OK) return status;
        }
    }
    uri = ft__schema_without_fragment(whole);
    if (!old || whole.n <= uri.n + 1) return FT_OK;
    ft__view name = {whole.text + uri.n + 1, whole.n - uri.n - 1};
    return ft__schema_add_anchor(c, node, name, false);
}

static ft_status ft__schema_walk(ft__schema_compiler *c, ft__json *v,
                                 ft__schema_resource *resource);

static const ft__schema_keyword *ft__schema_find_keyword(const ft__json *member, unsigned draft) {
    const ft__schema_keyword *k;
    for (size_t i = 0; (k = ft__schema_keyword_at(i)) != NULL; i++)
        if (k->name[0] == member->key[0] && (k->drafts & draft) &&
            ft__text_is(ft__json_key_view(member), k->name))
            return k;
    return NULL;
}

static ft_status ft__schema_walk_keyword(ft__schema_compiler *c, ft__json *value,
                                         ft__schema_holds holds, ft__schema_resource *resource) {
    ft_status status = FT_OK;
    if (holds == FT__HOLDS_ITEMS)
        holds = value->type == FT__JSON_ARRAY ? FT__HOLDS_LIST : FT__HOLDS_ONE;
    if (holds == FT__HOLDS_ONE) return ft__schema_walk(c, value, resource);
    if (holds == FT__HOLDS_LIST ? value->type != FT__JSON_ARRAY : value->type != FT__JSON_OBJECT)
        return FT_OK;
    for (ft__json *v = value->child; v && status == FT_OK; v = v->next)
        status = ft__schema_walk(c, v, resource);
    return status;
}

/* Gives nodes to `v` and to all subschemas in it.  What is no schema shows when it is built. */
static ft_status ft__schema_walk(ft__schema_compiler *c, ft__json *v,
                                 ft__schema_resource *resource) {
    bool is_object = v->type == FT__JSON_OBJECT;
    ft_status status = FT_OK;
    if (!is_object && v->type != FT__JSON_TRUE && v->type != FT__JSON_FALSE) return FT_OK;
    if (ft__schema_node_of(v)) return FT_OK;
    ft__schema_node *node = (ft__schema_node *)ft__schema_new(c, 1, sizeof *node);
    if (!node) return ft__fail_memory(c->err);
    node->json = v;
    node->resource = resource;
    v->text = (const char *)(void *)node;
    if (!is_object) return FT_OK;
    status = ft__schema_read_id(c, node, v);
    const ft__json *anchor = ft__schema_get_string(v, "$anchor");
    if (status == FT_OK && anchor && (node->resource->draft & FT__SCHEMA_NEW))
        status = ft__schema_add_anchor(c, node, ft__json_view(anchor), false);
    anchor = ft__schema_get_string(v, "$dynamicAnchor");
    if (status == FT_OK && anchor && node->resource->draft == FT__DRAFT_2020)
        status = ft__schema_add_anchor(c, node, ft__json_view(anchor), true);
    for (ft__json *m = v->child; m && status == FT_OK; m = m->next) {
        const ft__schema_keyword *k = ft__schema_find_keyword(m, node->resource->draft);
        if (k && k->holds) status = ft__schema_walk_keyword(c, m, k->holds, node->resource);
    }
    return status;
}

static ft_status ft__schema_load(ft__schema_compiler *c, ft__view uri, const ft__json *value,
                                 ft__schema_resource **resource) {
    ft__json *copy = ft__json_sorted_copy(value, c->arena);
    if (!copy) return ft__fail_memory(c->err);
    ft_status status = ft__schema_add_resource(c, uri, copy, NULL, resource);
    return status == FT_OK ? ft__schema_walk(c, copy, *resource) : status;
}

/* ---- references */

/* *resource NULL: it is not known. */
static ft_status ft__schema_find_resource(ft__schema_compiler *c, ft__view uri,
                                          ft__schema_resource **resource) {
    void **place = ft__schema_index_at(&c->resources, uri, c->arena);
    if (!place) return ft__fail_memory(c->err);
    *resource = (ft__schema_resource *)*place;
    if (*resource) return FT_OK;
    const ft__json *value = ft__schema_given(c, uri);
    const char *known = value ? NULL : ft__schema_metaschema(uri);
    if (known) {
        ft__json *parsed;
        char *text = ft__arena_text(c->arena, known, strlen(known));
        if (!text) return ft__fail_memory(c->err);
        for (char *p = text; *p; p++)
            if (*p == '\'') *p = '"';
        ft_status status =
            ft__json_parse(text, strlen(text), "metaschema", 1, c->arena, &parsed, c->err);
        if (status != FT_OK) return status;
        value = parsed;
    }
    return value ? ft__schema_load(c, uri, value, resource) : FT_OK;
}

/* %XX of a fragment to bytes, in the arena. */
static ft__view ft__schema_decode(ft__schema_compiler *c, ft__view v) {
    ft__view out = {NULL, 0};
    char *text = (char *)ft__schema_new(c, v.n + 1, 1);
    if (!text) return out;
    for (size_t i = 0; i < v.n; i++) {
        bool byte = v.text[i] == '%' && v.n - i > 2 && ft__ascii_hex(v.text[i + 1]) &&
                    ft__ascii_hex(v.text[i + 2]);
        text[out.n++] = byte ? (char)(16 * ft__ascii_hex_value(v.text[i + 1]) +
                                      ft__ascii_hex_value(v.text[i + 2]))
                             : v.text[i];
        if (byte) i += 2;
    }
    out.text = text;
    return out;
}

/* The child called by one token of a pointer, ~0 and ~1 in it undone. */
static ft__json *ft__schema_child_called(ft__json *v, const char *token, size_t n, char *name) {
    size_t n_name = 0, index = 0;
    for (size_t i = 0; i < n; i++) {
        bool escape = token[i] == '~' && i + 1 < n && (token[i + 1] == '0' || token[i + 1] == '1');
        name[n_name++] = !escape ? token[i] : token[++i] == '0' ? '~' : '/';
    }
    if (v->type == FT__JSON_OBJECT) {
        for (ft__json *m = v->child; m; m = m->next)
            if (ft__text_equal(m->key, m->key_len, name, n_name)) return m;
        return NULL;
    }
    if (v->type != FT__JSON_ARRAY || n_name == 0 || n_name > 9) return NULL;
    for (size_t i = 0; i < n_name; i++) {
        if (name[i] < '0' || name[i] > '9') return NULL;
        index = 10 * index + (size_t)(name[i] - '0');
    }
    ft__json *item = v->child;
    while (item && index--) item = item->next;
    return item;
}

/* Follows a JSON pointer; the resource is that of the innermost subschema passed.  Where it ends
   may be a place that no keyword of ours gives to schemas, so it is walked now. */
static ft_status ft__schema_follow(ft__schema_compiler *c, ft__schema_resource *resource,
                                   ft__view pointer, ft__schema_node **node) {
    ft__json *v = resource->root;
    const char *p = pointer.text, *end = p + pointer.n;
    char *name = (char *)ft__schema_new(c, pointer.n, 1);
    if (!name) return ft__fail_memory(c->err);
    while (v && p < end) {
        const char *token = ++p;
        while (p < end && *p != '/') p++;
        v = ft__schema_child_called(v, token, (size_t)(p - token), name);
        if (v && ft__schema_node_of(v)) resource = ft__schema_node_of(v)->resource;
    }
    ft_status status = v ? ft__schema_walk(c, v, resource) : FT_OK;
    *node = v ? ft__schema_node_of(v) : NULL;
    return status;
}

FT__PRIV ft_status ft__schema_resolve(ft__schema_compiler *c, const ft__schema_node *from,
                                      const ft__json *reference, ft__schema_node **node,
                                      ft__view *fragment) {
    char excerpt[64];
    ft__schema_resource *resource;
    ft__view whole = ft__json_view(reference), uri = ft__schema_without_fragment(whole);
    ft__view name = {whole.text + uri.n, whole.n - uri.n};
    if (name.n) name.text++, name.n--;
    *node = NULL;
    *fragment = ft__schema_decode(c, name);
    uri = uri.n ? ft__schema_absolute(c, from->resource->uri, uri) : from->resource->uri;
    if (!uri.text || !fragment->text) return ft__fail_memory(c->err);
    ft_status status = ft__schema_find_resource(c, uri, &resource);
    if (status != FT_OK) return status;
    if (resource && (fragment->n == 0 || fragment->text[0] == '/')) {
        status = ft__schema_follow(c, resource, *fragment, node);
    } else if (resource) {
        void **place = ft__schema_anchor_place(c, resource->uri, *fragment);
        if (!place) return ft__fail_memory(c->err);
        *node = (ft__schema_node *)*place;
    }
    if (status != FT_OK || *node) return status;
    return ft__fail(c->err, FT_ERR_DATA, "", "schema: the reference \"%s\" leads nowhere",
                    ft__text_excerpt(whole, excerpt));
}

/* ---- compiling */

FT__PRIV ft__schema *ft__schema_compile(const ft__json *value, unsigned draft,
                                        const ft__schema_document *documents, size_t n_documents,
                                        const ft_allocator *a, ft_error *err) {
    ft_allocator allocator = ft__allocator(a);
    ft__schema *schema = (ft__schema *)ft__alloc_zero(&allocator, 1, sizeof *schema);
    ft__schema_compiler c;
    ft__schema_resource *resource;
    ft__view uri = {"", 0};
    if (!schema) {
        ft__fail_memory(err);
        return NULL;
    }
    memset(&c, 0, sizeof c);
    ft__arena_init(&schema->arena, &allocator);
    ft__interner_init(&c.resources.texts, &allocator);
    ft__interner_init(&c.anchors.texts, &allocator);
    c.schema = schema;
    c.arena = &schema->arena;
    c.documents = documents;
    c.n_documents = n_documents;
    c.draft = draft;
    c.err = err;
    ft_status status = ft__schema_load(&c, uri, value, &resource);
    if (status == FT_OK) status = ft__schema_use(&c, "schema", resource->root, &schema->root);
    if (status == FT_OK) status = ft__schema_build_all(&c);
    ft__schema_index_free(&c.resources);
    ft__schema_index_free(&c.anchors);
    if (status == FT_OK) return schema;
    ft__schema_free(schema);
    return NULL;
}

FT__PRIV void ft__schema_free(ft__schema *schema) {
    if (!schema) return;
    ft_allocator a = schema->arena.allocator;
    for (ft__schema_pattern *p = schema->patterns; p; p = p->next) ft__regex_free(p->regex);
    ft__arena_free(&schema->arena);
    ft__free(&a, schema);
}

/* ---- metric json_schema */

static const char *const ft__schema_draft_names[] = {"2020-12", "draft2020-12", "7", "draft7",
                                                     "draft-07"};

static unsigned ft__schema_draft(int name) { return name < 2 ? FT__DRAFT_2020 : FT__DRAFT_7; }

static ft_status ft__schema_metric(const ft__metric_call *call) {
    const ft__json *schema = ft__json_get(call->input, "schema");
    const ft__json *instance = ft__json_get(call->input, "instance");
    int draft = 0;
    bool valid = false;
    char why[160];
    ft_status status = ft__metric_word(call, "draft", ft__schema_draft_names,
                                       FT__COUNT(ft__schema_draft_names), &draft);
    if (status != FT_OK) return status;
    if (!schema || !instance)
        return ft__metric_fail(call, "the input needs \"schema\" and \"instance\"");
    ft__json *value = ft__json_sorted_copy(instance, call->arena);
    if (!value) return ft__fail_memory(call->err);
    ft__schema *compiled = ft__schema_compile(schema, ft__schema_draft(draft), NULL, 0,
                                              &call->arena->allocator, call->err);
    if (!compiled) return call->err->code;
    ft__json_begin(call->out, '{');
    for (int formats = 0; formats < 2 && status == FT_OK; formats++) {
        status = ft__schema_check(compiled, value, formats > 0, &valid, why, call->err);
        ft__json_key(call->out, formats ? "valid_with_format" : "valid");
        ft__json_bool(call->out, valid);
    }
    ft__json_end(call->out, '}');
    ft__schema_free(compiled);
    return status;
}

FT__PRIV const ft__metric_kind *ft__schema_metrics(size_t *n) {
    static const ft__metric_kind kinds[] = {{"json_schema", 0, ft__schema_metric}};
    *n = FT__COUNT(kinds);
    return kinds;
}

/* ---- evaluator json_schema */

typedef struct ft__schema_judge {
    bool formats, extract;
    unsigned draft;
    ft__schema *schema; /* NULL: the row's */
} ft__schema_judge;

static ft_status ft__schema_prepare(ft_evaluator *e, ft_error *err) {
    const ft__json *schema = ft__param(e, "schema");
    int draft;
    ft__schema_judge *judge = (ft__schema_judge *)ft__arena_alloc(&e->arena, 1, sizeof *judge);
    if (!judge) return ft__fail_memory(err);
    e->state = judge;
    judge->formats = ft__param_flag(e, "format");
    judge->extract = ft__param_flag(e, "extract");
    ft_status status = ft__param_choice(e, "draft", ft__schema_draft_names,
                                        FT__COUNT(ft__schema_draft_names), &draft, err);
    if (status != FT_OK) return status;
    judge->draft = ft__schema_draft(draft);
    if (schema->type == FT__JSON_NULL) return FT_OK;
    ft_error inner = {FT_OK, "", ""};
    judge->schema =
        ft__schema_compile(schema, judge->draft, NULL, 0, &e->arena.allocator, &inner);
    if (judge->schema) return FT_OK;
    if (inner.code == FT_ERR_MEMORY) return ft__fail_memory(err);
    return ft__fail(err, FT_ERR_ARGUMENT, "", "json_schema: parameter \"schema\": %s",
                    inner.message);
}

static void ft__schema_release(ft_evaluator *e) {
    if (e->state) ft__schema_free(((ft__schema_judge *)e->state)->schema);
}

static bool ft__schema_judge_value(const ft__schema_judge *judge, const ft__schema *schema,
                                   const ft__json *value, ft_score *score) {
    bool valid = false;
    char why[160];
    ft_error inner = {FT_OK, "", ""};
    ft_status status = ft__schema_check(schema, value, judge->formats, &valid, why, &inner);
    if (status == FT_ERR_MEMORY) return false;
    if (status != FT_OK) return ft__score_error(score, "%s", inner.message);
    score->value = valid;
    if (!valid) ft__score_detail(score, "%s", why);
    return true;
}

static bool ft__schema_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                             ft_score *score) {
    const ft__schema_judge *judge = (const ft__schema_judge *)e->state;
    const ft_allocator *a = &e->arena.allocator;
    ft__arena arena;
    ft__json *value = NULL;
    ft_error inner = {FT_OK, "", ""};
    ft__schema *own = NULL;
    if (!judge->schema) {
        const ft__json *schema = ft__row_get(row, "schema");
        if (!schema) return ft__score_error(score, "row has no \"schema\"");
        own = ft__schema_compile(schema, judge->draft, NULL, 0, a, &inner);
        if (!own && inner.code == FT_ERR_MEMORY) return false;
        if (!own) return ft__score_error(score, "%s", inner.message);
    }
    ft__arena_init(&arena, a);
    bool ok = ft__structure_read(output, judge->extract, &arena, &value, score);
    if (value) {
        ft__json_sort(value);
        ok = ft__schema_judge_value(judge, own ? own : judge->schema, value, score);
    }
    ft__arena_free(&arena);
    ft__schema_free(own);
    return ok;
}

FT__PRIV const ft__evaluator_kind *ft__schema_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"json_schema",
          "the output is JSON that a JSON Schema (the row's, or the given one) allows",
          "schema",
          "{\"schema\": null, \"draft\": \"2020-12\", \"format\": false, \"extract\": false, "
          "\"threshold\": 1}",
          0, 1, true, 1, "json_schema|draft7,2020-12|v1", FT_FROM_TEXT},
         0, ft__schema_prepare, ft__schema_score, ft__schema_release},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}

