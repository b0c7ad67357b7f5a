/* JSON Schema: the metaschemas of draft 7 and of 2020-12, as json-schema.org publishes them, but
   without titles, defaults and comments, and with ' for ".  A schema may refer to them. */
#include "schema.h"

#define FT__META "https://json-schema.org/draft/2020-12/meta/"
#define FT__META_HEAD(name) \
    "{'$schema':'https://json-schema.org/draft/2020-12/schema','$id':'" FT__META name "'," \
    "'$dynamicAnchor':'meta','type':['object','boolean'],"
#define FT__META_ANY "{'$dynamicRef':'#meta'}"
#define FT__META_MAP "{'type':'object','additionalProperties':" FT__META_ANY "}"

FT__PRIV const char *ft__schema_metaschema(ft__view uri) {
    static const struct {
        const char *uri, *text;
    } known[] = {
        {"http://json-schema.org/draft-07/schema",
         "{'$schema':'http://json-schema.org/draft-07/schema#',"
         "'$id':'http://json-schema.org/draft-07/schema#','type':['object','boolean'],"
         "'definitions':{'list':{'type':'array','minItems':1,'items':{'$ref':'#'}},"
         "'map':{'type':'object','additionalProperties':{'$ref':'#'}},"
         "'count':{'type':'integer','minimum':0},"
         "'simple':{'enum':['array','boolean','integer','null','number','object','string']},"
         "'names':{'type':'array','items':{'type':'string'},'uniqueItems':true}},"
         "'properties':{'$id':{'type':'string','format':'uri-reference'},"
         "'$schema':{'type':'string','format':'uri'},"
         "'$ref':{'type':'string','format':'uri-reference'},'$comment':{'type':'string'},"
         "'title':{'type':'string'},'description':{'type':'string'},"
         "'readOnly':{'type':'boolean'},'writeOnly':{'type':'boolean'},"
         "'examples':{'type':'array'},'multipleOf':{'type':'number','exclusiveMinimum':0},"
         "'maximum':{'type':'number'},'exclusiveMaximum':{'type':'number'},"
         "'minimum':{'type':'number'},'exclusiveMinimum':{'type':'number'},"
         "'maxLength':{'$ref':'#/definitions/count'},'minLength':{'$ref':'#/definitions/count'},"
         "'pattern':{'type':'string','format':'regex'},'additionalItems':{'$ref':'#'},"
         "'items':{'anyOf':[{'$ref':'#'},{'$ref':'#/definitions/list'}]},"
         "'maxItems':{'$ref':'#/definitions/count'},'minItems':{'$ref':'#/definitions/count'},"
         "'uniqueItems':{'type':'boolean'},'contains':{'$ref':'#'},"
         "'maxProperties':{'$ref':'#/definitions/count'},"
         "'minProperties':{'$ref':'#/definitions/count'},"
         "'required':{'$ref':'#/definitions/names'},'additionalProperties':{'$ref':'#'},"
         "'definitions':{'$ref':'#/definitions/map'},'properties':{'$ref':'#/definitions/map'},"
         "'patternProperties':{'allOf':[{'$ref':'#/definitions/map'}],"
         "'propertyNames':{'format':'regex'}},"
         "'dependencies':{'type':'object','additionalProperties':"
         "{'anyOf':[{'$ref':'#'},{'$ref':'#/definitions/names'}]}},"
         "'propertyNames':{'$ref':'#'},'enum':{'type':'array'},"
         "'type':{'anyOf':[{'$ref':'#/definitions/simple'},{'type':'array',"
         "'items':{'$ref':'#/definitions/simple'},'minItems':1,'uniqueItems':true}]},"
         "'format':{'type':'string'},'contentMediaType':{'type':'string'},"
         "'contentEncoding':{'type':'string'},'if':{'$ref':'#'},'then':{'$ref':'#'},"
         "'else':{'$ref':'#'},'allOf':{'$ref':'#/definitions/list'},"
         "'anyOf':{'$ref':'#/definitions/list'},'oneOf':{'$ref':'#/definitions/list'},"
         "'not':{'$ref':'#'}}}"},
        {"https://json-schema.org/draft/2020-12/schema",
         "{'$schema':'https://json-schema.org/draft/2020-12/schema',"
         "'$id':'https://json-schema.org/draft/2020-12/schema',"
         "'$dynamicAnchor':'meta','type':['object','boolean'],"
         "'allOf':[{'$ref':'meta/core'},{'$ref':'meta/applicator'},{'$ref':'meta/unevaluated'},"
         "{'$ref':'meta/validation'},{'$ref':'meta/meta-data'},"
         "{'$ref':'meta/format-annotation'},{'$ref':'meta/content'}],"
         "'properties':{'definitions':" FT__META_MAP ",'dependencies':{'type':'object',"
         "'additionalProperties':{'anyOf':[" FT__META_ANY
         ",{'$ref':'meta/validation#/$defs/stringArray'}]}},"
         "'$recursiveAnchor':{'$ref':'meta/core#/$defs/anchorString'},"
         "'$recursiveRef':{'$ref':'meta/core#/$defs/uriReferenceString'}}}"},
        {FT__META "core",
         FT__META_HEAD("core")
         "'properties':{'$id':{'$ref':'#/$defs/uriReferenceString','pattern':'^[^#]*#?$'},"
         "'$schema':{'$ref':'#/$defs/uriString'},'$ref':{'$ref':'#/$defs/uriReferenceString'},"
         "'$anchor':{'$ref':'#/$defs/anchorString'},"
         "'$dynamicRef':{'$ref':'#/$defs/uriReferenceString'},"
         "'$dynamicAnchor':{'$ref':'#/$defs/anchorString'},"
         "'$vocabulary':{'type':'object','propertyNames':{'$ref':'#/$defs/uriString'},"
         "'additionalProperties':{'type':'boolean'}},"
         "'$comment':{'type':'string'},'$defs':" FT__META_MAP "},"
         "'$defs':{'anchorString':{'type':'string','pattern':'^[A-Za-z_][-A-Za-z0-9._]*$'},"
         "'uriString':{'type':'string','format':'uri'},"
         "'uriReferenceString':{'type':'string','format':'uri-reference'}}}"},
        {FT__META "applicator",
         FT__META_HEAD("applicator")
         "'properties':{'prefixItems':{'$ref':'#/$defs/schemaArray'},'items':" FT__META_ANY ","
         "'contains':" FT__META_ANY ",'additionalProperties':" FT__META_ANY ","
         "'properties':" FT__META_MAP ",'patternProperties':{'type':'object',"
         "'additionalProperties':" FT__META_ANY ",'propertyNames':{'format':'regex'}},"
         "'dependentSchemas':" FT__META_MAP ",'propertyNames':" FT__META_ANY ","
         "'if':" FT__META_ANY ",'then':" FT__META_ANY ",'else':" FT__META_ANY ","
         "'allOf':{'$ref':'#/$defs/schemaArray'},'anyOf':{'$ref':'#/$defs/schemaArray'},"
         "'oneOf':{'$ref':'#/$defs/schemaArray'},'not':" FT__META_ANY "},"
         "'$defs':{'schemaArray':{'type':'array','minItems':1,'items':" FT__META_ANY "}}}"},
        {FT__META "unevaluated",
         FT__META_HEAD("unevaluated")
         "'properties':{'unevaluatedItems':" FT__META_ANY ","
         "'unevaluatedProperties':" FT__META_ANY "}}"},
        {FT__META "validation",
         FT__META_HEAD("validation")
         "'properties':{'type':{'anyOf':[{'$ref':'#/$defs/simpleTypes'},{'type':'array',"
         "'items':{'$ref':'#/$defs/simpleTypes'},'minItems':1,'uniqueItems':true}]},"
         "'enum':{'type':'array'},'multipleOf':{'type':'number','exclusiveMinimum':0},"
         "'maximum':{'type':'number'},'exclusiveMaximum':{'type':'number'},"
         "'minimum':{'type':'number'},'exclusiveMinimum':{'type':'number'},"
         "'maxLength':{'$ref':'#/$defs/nonNegativeInteger'},"
         "'minLength':{'$ref':'#/$defs/nonNegativeInteger'},"
         "'pattern':{'type':'string','format':'regex'},"
         "'maxItems':{'$ref':'#/$defs/nonNegativeInteger'},"
         "'minItems':{'$ref':'#/$defs/nonNegativeInteger'},'uniqueItems':{'type':'boolean'},"
         "'maxContains':{'$ref':'#/$defs/nonNegativeInteger'},"
         "'minContains':{'$ref':'#/$defs/nonNegativeInteger'},"
         "'maxProperties':{'$ref':'#/$defs/nonNegativeInteger'},"
         "'minProperties':{'$ref':'#/$defs/nonNegativeInteger'},"
         "'required':{'$ref':'#/$defs/stringArray'},'dependentRequired':{'type':'object',"
         "'additionalProperties':{'$ref':'#/$defs/stringArray'}}},"
         "'$defs':{'nonNegativeInteger':{'type':'integer','minimum':0},"
         "'simpleTypes':{'enum':['array','boolean','integer','null','number','object','string']},"
         "'stringArray':{'type':'array','items':{'type':'string'},'uniqueItems':true}}}"},
        {FT__META "meta-data",
         FT__META_HEAD("meta-data")
         "'properties':{'title':{'type':'string'},'description':{'type':'string'},"
         "'deprecated':{'type':'boolean'},'readOnly':{'type':'boolean'},"
         "'writeOnly':{'type':'boolean'},'examples':{'type':'array'}}}"},
        {FT__META "format-annotation",
         FT__META_HEAD("format-annotation") "'properties':{'format':{'type':'string'}}}"},
        {FT__META "format-assertion",
         FT__META_HEAD("format-assertion") "'properties':{'format':{'type':'string'}}}"},
        {FT__META "content",
         FT__META_HEAD("content")
         "'properties':{'contentEncoding':{'type':'string'},"
         "'contentMediaType':{'type':'string'},'contentSchema':" FT__META_ANY "}}"},
    };
    for (size_t i = 0; i < FT__COUNT(known); i++)
        if (ft__text_is(uri, known[i].uri)) return known[i].text;
    return NULL;
}

#undef FT__META
#undef FT__META_HEAD
#undef FT__META_ANY
#undef FT__META_MAP

