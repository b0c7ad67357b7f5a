/* What the rooms of JSON Schema share: schema.c walks documents and resolves references,
   schema_rules.c makes rules of keywords, schema_check.c holds a value against them,
   schema_meta.c has the metaschemas. */
#ifndef FT__SCHEMA_H
#define FT__SCHEMA_H

#include "eval.h"

#define FT__SCHEMA_NEW (FT__DRAFT_2019 | FT__DRAFT_2020)
#define FT__SCHEMA_ALL (FT__DRAFT_7 | FT__SCHEMA_NEW)

typedef struct ft__schema_node ft__schema_node;
typedef struct ft__schema_rule ft__schema_rule;
typedef struct ft__schema_keyword ft__schema_keyword;
typedef struct ft__schema_compiler ft__schema_compiler;
typedef struct ft__schema_run ft__schema_run;
typedef struct ft__schema_at ft__schema_at;

typedef struct ft__schema_anchor {
    ft__view name;
    ft__schema_node *node;
    struct ft__schema_anchor *next;
} ft__schema_anchor;

/* A document, or a part of it with an $id of its own. */
typedef struct ft__schema_resource {
    ft__view uri; /* absolute if it can be; without fragment */
    ft__json *root;
    unsigned draft;
    bool validates;       /* its dialect has the vocabulary of validation */
    bool asserts_formats; /* and that of asserted formats */
    ft__schema_anchor *dynamic;
    struct ft__schema_resource *next;
} ft__schema_resource;

struct ft__schema_node {
    const ft__json *json; /* an object, true or false; anything else is refused when it is built */
    ft__schema_resource *resource;
    ft__schema_rule *rules;
    ft__schema_node *next; /* to be built */
    bool queued;
    bool needs_marks; /* has an unevaluated... */
};

/* A subschema with what it goes by: a key, a pattern, nothing. */
typedef struct ft__schema_member {
    const ft__json *key; /* a member whose key it is; NULL: none */
    ft__regex *pattern;
    ft__schema_node *node;
    ft__view *names; /* of a dependency: the members it requires, sorted */
    size_t n_names;
} ft__schema_member;

/* A keyword at its place.  What is in it depends on the keyword. */
struct ft__schema_rule {
    const char *name;
    bool (*check)(ft__schema_run *run, const ft__schema_rule *r, const ft__schema_at *at,
                  size_t marks);
    int arg;               /* that of the keyword's row */
    const ft__json *value;
    ft__schema_node *node; /* the one subschema, or that of all others */
    ft__schema_node *then, *otherwise;
    ft__schema_member *members, *patterns;
    size_t n_members, n_patterns;
    const ft__json **values; /* of an enum, sorted */
    size_t n_values;
    ft__view *names;
    size_t n_names;
    double low, high;
    ft__view anchor; /* .text NULL: none */
    const ft__schema_format *format;
    ft__schema_rule *next;
};

typedef struct ft__schema_pattern {
    ft__regex *regex;
    struct ft__schema_pattern *next;
} ft__schema_pattern;

struct ft__schema {
    ft__arena arena;
    ft__schema_node *root;
    ft__schema_pattern *patterns; /* to free */
};

/* Where a keyword holds subschemas: nowhere, as its value, in a list, by name; `items` has one or a
   list, and a dependency one or a list of names. */
typedef enum ft__schema_holds {
    FT__HOLDS_NONE, FT__HOLDS_ONE, FT__HOLDS_LIST, FT__HOLDS_NAMED, FT__HOLDS_ITEMS
} ft__schema_holds;

struct ft__schema_keyword {
    const char *name;
    unsigned drafts;
    ft__schema_holds holds;
    bool validation; /* belongs to the vocabulary of validation */
    /* Leaves r->check NULL where there is nothing to check.  NULL: read by another keyword. */
    ft_status (*build)(ft__schema_compiler *c, ft__schema_node *node, ft__schema_rule *r);
    bool (*check)(ft__schema_run *run, const ft__schema_rule *r, const ft__schema_at *at,
                  size_t marks);
    int arg;
};

/* ---- compiling */

/* Texts to pointers. */
typedef struct ft__schema_index {
    ft__interner texts;
    void **items;
    size_t n, cap;
} ft__schema_index;

struct ft__schema_compiler {
    ft__schema *schema;
    ft__arena *arena; /* the schema's */
    const ft__schema_document *documents;
    size_t n_documents;
    unsigned draft;
    ft__schema_index resources, anchors; /* by URI; by URI, '#' and name */
    ft__schema_resource *all;
    ft__schema_node *todo;
    bool dynamic; /* some $dynamicRef may lead to any $dynamicAnchor */
    ft_error *err;
};

/* schema.c.  Zeroed memory of the schema; NULL: there is none. */
FT__PRIV void *ft__schema_new(ft__schema_compiler *c, size_t count, size_t size);
/* Of a subschema that was walked; NULL: it is no schema. */
FT__PRIV ft__schema_node *ft__schema_node_of(const ft__json *v);
/* The subschema that a reference means, and its fragment, decoded. */
FT__PRIV ft_status ft__schema_resolve(ft__schema_compiler *c, const ft__schema_node *from,
                                      const ft__json *reference, ft__schema_node **node,
                                      ft__view *fragment);

/* schema_rules.c.  The keywords, in the order in which a node checks them; NULL beyond the last. */
FT__PRIV const ft__schema_keyword *ft__schema_keyword_at(size_t index);
/* The node of a subschema, which will be built. */
FT__PRIV ft_status ft__schema_use(ft__schema_compiler *c, const char *keyword,
                                  const ft__json *value, ft__schema_node **node);
/* Builds the nodes in use, and whatever their rules lead to. */
FT__PRIV ft_status ft__schema_build_all(ft__schema_compiler *c);
/* The order of r->values. */
FT__PRIV int ft__schema_compare_values(const void *a, const void *b);
/* The names of types, by the bits of the rule of "type". */
#define FT__SCHEMA_TYPES {"null", "boolean", "number", "string", "array", "object", "integer"}
enum { FT__SCHEMA_NUMBER = 2, FT__SCHEMA_INTEGER = 6 };

/* schema_meta.c.  The text of the metaschema published at this URI, with ' for "; NULL: none. */
FT__PRIV const char *ft__schema_metaschema(ft__view uri);

/* schema_check.c: the checks of one keyword each. */
#define FT__SCHEMA_CHECKS(X) X(type) X(enum) X(limit) X(multiple) X(count) X(pattern) X(format)   \
    X(items) X(contains) X(unique) X(required) X(dependencies) X(properties) X(property_names)    \
    X(all) X(any) X(not) X(if) X(reference) X(unevaluated)
#define FT__SCHEMA_CHECK(keyword)                                                          \
    FT__PRIV bool ft__schema_check_##keyword(ft__schema_run *run, const ft__schema_rule *r, \
                                             const ft__schema_at *at, size_t marks);
FT__SCHEMA_CHECKS(FT__SCHEMA_CHECK)
#undef FT__SCHEMA_CHECK
#undef FT__SCHEMA_CHECKS

#endif /* FT__SCHEMA_H */
