/* The Jinja interpreter, feature by feature: each row is a template and what Jinja2 makes of it. */
#include "../src/text/jinja.h"
#include "test.h"

static const char context_text[] =
    "{\"s\":\"Hello World\",\"l\":[3,1,2],\"d\":{\"b\":1,\"A\":2,\"items\":5},\"n\":null,\"t\":true,\"f\":false,"
    "\"i\":7,\"x\":2.5,\"e\":\"\",\"u\":\"n\\u00e9\\u65e5\",\"big\":123456789012345678901234567890,\"ctx\":\"outer\","
    "\"m\":[{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"user\",\"content\":\"U\",\"k\":2}]}";

typedef struct row {
    const char *source, *expected; /* expected NULL: an error that contains `needle` */
    const char *needle;
} row;

static ft__arena arena; /* of the running test */
static ft__json *context;

static void begin(void) {
    ft_error err;
    ft__arena_init(&arena, NULL);
    ft_status status = ft__json_parse(context_text, strlen(context_text), "context", 1, &arena, &context, &err);
    CHECK_OK(status, err);
}

static ft_status render(const char *source, ft__buf *out, ft_error *err) {
    memset(err, 0, sizeof *err);
    ft_template *t = ft_template_parse(source, strlen(source), "t", NULL, err);
    if (!t) return err->code;
    ft_status status = ft__template_render(t, context, "2026-03-14T15:09:26", out, err);
    ft_template_free(t);
    return status;
}

static void run_rows(const row *rows, size_t n) {
    begin();
    for (size_t i = 0; i < n; i++) {
        ft_error err;
        ft__buf out;
        ft__buf_init(&out, NULL);
        ft_status status = render(rows[i].source, &out, &err);
        bool ok;
        if (rows[i].expected) ok = CHECK_OK(status, err) && CHECK_TEXT(out.data ? out.data : "", rows[i].expected);
        else ok = CHECK(status != FT_OK) && CHECK_ERROR(status, err.code, err, rows[i].needle);
        if (!ok) test_note("for %s", rows[i].source);
        ft__buf_free(&out);
    }
    ft__arena_free(&arena);
}

TEST(jinja, white_space) {
    static const row rows[] = {
        {"a\n{% if t %}\nb\n{% endif %}\nc\n", "a\nb\nc", 0},
        {"a\n  {% if t %}  x  {% endif %}  {# c #}\n {{ 1 }} \n\n", "a\n  x     1 \n", 0},
        {"a  {%- if t -%}   b   {%- endif %}  c", "ab  c", 0},
        {"  {%+ if t %}x{% endif +%}\ny", "  x\ny", 0},
        {"a {#- c -#} \n b", "ab", 0},
        {"x {{- ' y ' -}}\n z", "x y z", 0},
        {"\xC2\xA0\n{%- if t %}x{% endif -%}\xE3\x80\x80y", "xy", 0},
        {"a\r\nb\rc\r\n", "a\nb\nc", 0},
        {"{% raw -%}  {{ x }} {% y %} {%- endraw %} z", "{{ x }} {% y %} z", 0},
        {"{{ '{{ %} #}' }}{{ {'a': {'b': 1}}}}", "{{ %} #}{'a': {'b': 1}}", 0},
        {"\n", "", 0},
        {"{#}#}{##}x", "x", 0},
    };
    run_rows(rows, FT__COUNT(rows));
}

TEST(jinja, literals) {
    static const row rows[] = {
        {"{{ 1_000 + 0x1F + 0b11 + 0o17 }} {{ 1e3 }} {{ 1.5e-7 }} {{ 1_0.5 }}",
         "1049 1000.0 1.5e-07 10.5", 0},
        {"{{ 'a' \"b\" 'c' }}{{ 'q\"' }}{{ \"it's\" }}{{ 'x\\ty\\x41\\u00e9\\101\\q\\\ny' }}",
         "abcq\"it'sx\tyA\xC3\xA9" "A\\qy", 0},
        {"{{ '\\\xC3\xA9' }}", "\\xe9", 0},
        {"{{ [1, [2,],] }}{{ (1,) }}{{ () }}{{ {'a': 1,} }}{{ 1, 2 }}",
         "[1, [2]](1,)(){'a': 1}(1, 2)", 0},
        {"{{ True }}{{ false }}{{ None }}{{ none }}", "TrueFalseNoneNone", 0},
        {"{{ ['\\'\"', \"'\", '\\\\', '\\n', '\xC2\xA0', '\xC3\xA9'] }}",
         "['\\'\"', \"'\", '\\\\', '\\n', '\\xa0', '\xC3\xA9']", 0},
        {"{{ 1.0 }} {{ 1e16 }} {{ 1e22 }} {{ 0.1 + 0.2 }} {{ -0.0 }} {{ 1e308 * 10 }}",
         "1.0 1e+16 1e+22 0.30000000000000004 -0.0 inf", 0},
    };
    run_rows(rows, FT__COUNT(rows));
}

TEST(jinja, operators) {
    static const row rows[] = {
        {"{{ 1 + 2 * 3 - 4 }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ -1|abs }} {{ 7 / 2 }} {{ 6 / 2 }"
         "}",
         "3 64 4 1 3.5 3.0", 0},
        {"{{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ -7.5 // 2 }} {{ -7.5 % 2 }} {{ 7.5 % -2 }}",
         "-4 2 -2 -4.0 0.5 -0.5", 0},
        {"{{ 'a' ~ 1 ~ none ~ 1.5 }} {{ 'a' + 'b'|upper }} {{ 'ab' * 2 }} {{ [1] + [2] }} {{ 2 * "
         "(1,) }}",
         "a1None1.5 aB abab [1, 2] (1, 1)", 0},
        {"{{ 1 < 2 < 3 }} {{ 3 > 2 > 2 }} {{ 1 == 1.0 == true }} {{ '1' == 1 }} {{ [1] == [1.0] }"
         "} {{ {'a': 1} == {'a': 1} }}",
         "True False True False True True", 0},
        {"{{ 'el' in s }} {{ 4 not in l }} {{ 'b' in d }} {{ 'a' in nope }} {{ not 1 in [1] }}",
         "True True True False False", 0},
        {"{{ '' or 'x' }}{{ 0 and 1 }}{{ n or e }}|{{ 'a' if f }}|{{ 'a' if f else 'b' if n else "
         "'c' }}",
         "x0|" "|c", 0},
        {"{{ not nope is defined }} {{ 3 is divisibleby 3 and 4 is not odd }}", "True True", 0},
        {"{{ 'n' ~ i + 1 }}", NULL, "unsupported operand type(s) for +: 'str' and 'int'"},
        {"{{ 'a' + none }}", NULL, "unsupported operand type(s) for +: 'str' and 'NoneType'"},
        {"{{ 1 < 'a' }}", NULL, "'<' not supported between instances of 'int' and 'str'"},
        {"{{ 1 in 'a' }}", NULL, "requires string as left operand"},
        {"{{ 1 // 0 }}", NULL, "division by zero"},
    };
    run_rows(rows, FT__COUNT(rows));
}

TEST(jinja, large_integers) {
    static const row rows[] = {
        {"{{ big }} {{ big + 1 }} {{ big - big }} {{ -big }}",
         "123456789012345678901234567890 123456789012345678901234567891 0 -1234567890123456789012"
         "34567890", 0},
        {"{{ big * big }}", "15241578753238836750495351562536198787501905199875019052100", 0},
        {"{{ big // 7 }} {{ -big // 7 }} {{ big % -7 }} {{ big // 12345678901234567 }}",
         "17636684144620811271604938270 -17636684144620811271604938270 0 10000000000000", 0},
        {"{{ 9223372036854775807 + 1 }} {{ -9223372036854775807 - 1 }} {{ 9223372036854775808 * -"
         "1 }} {{ 2 ** 64 - 2 ** 64 }}",
         "9223372036854775808 -9223372036854775808 -9223372036854775808 0", 0},
        {"{{ 3 ** 50 }} {{ (-2) ** 63 }} {{ 2 ** -1 }} {{ big > 1 }} {{ big == big * 1.0 }} {{ bi"
         "g|tojson }}",
         "717897987691852588770249 -9223372036854775808 0.5 True False 12345678901234567890123456"
         "7890", 0},
        {"{{ 10 ** 5000 }}", NULL, "more than 4300 digits"},
    };
    run_rows(rows, FT__COUNT(rows));
}

TEST(jinja, undefined) {
    static const row rows[] = {
        {"{{ nope }}|{{ nope|length }}{{ nope == other }}{{ nope is none }}{% for c in nope %}x{%"
         " endfor %}{{ [nope] }}",
         "|0TrueFalse[Undefined]", 0},
        {"{{ d.nope }}{{ d['nope'] }}{{ l[9] }}{{ n.x }}{{ s.__class__ }}{{ l.append }}{{ l.appen"
         "d is defined }}",
         "False", 0},
        {"{{ nope.x }}", NULL, "'nope' is undefined"},
        {"{{ d.a.b }}", NULL, "'dict object' has no attribute 'a'"},
        {"{{ nope + 1 }}", NULL, "'nope' is undefined"},
        {"{{ nope() }}", NULL, "'nope' is undefined"},
        {"{{ l.append(1) }}", NULL, "'list object' has no attribute 'append'"},
        {"a\nb{{\n nope.x|default('d') }}", NULL, "t:3"},
    };
    run_rows(rows, FT__COUNT(rows));
}

TEST(jinja, items_and_slices) {
    static const row rows[] = {
        {"{{ d.items }}|{{ d['items'] }}", "<builtin_function_or_method object>|5", 0},
        {"{{ l[0] }}{{ l[-1] }}{{ u[1] }}{{ u[-1] }}{{ m[1].role }}{{ m.0.role }}{{ l[true] }}",
         "32\xC3\xA9\xE6\x97\xA5usersystem1", 0},
        {"{{ l[1:] }}{{ l[::-1] }}{{ l[:-1] }}{{ s[2:5] }}{{ u[::-1] }}{{ u[1:2] }}{{ (1, 2, 3)[:"
         ":2] }}{{ l[5:] }}",
         "[1, 2][2, 1, 3][3, 1]llo\xE6\x97\xA5\xC3\xA9n\xC3\xA9(1, 3)[]", 0},
        {"{{ {1: 'a', '1': 'b', 1.0: 'c', true: 'd', none: 'e', (1, 2): 'f'} }}",
         "{1: 'd', '1': 'b', None: 'e', (1, 2): 'f'}", 0},
        {"{{ {'a': 1, 'b': 2, 'c': 3, 'd': 4, 'e': 5, 'f': 6, 'g': 7, 'h': 8, 'i': 9, 'a': 10}.a "
         "}}",
         "10", 0},
        {"{{ {[1]: 2} }}", NULL, "unhashable type: 'list'"},
        {"{{ l[::0] }}", NULL, "slice step cannot be zero"},
    };
    run_rows(rows, FT__COUNT(rows));
}

TEST(jinja, scopes) {
    static const row rows[] = {
        {"{% set q = 1 %}{% for k in [1, 2] %}{{ q }}{% set q = k * 10 %}{{ q }} {% endfor %}{{ q"
         " }}",
         "110 120 1", 0},
        {"{% if t %}{% set q = 2 %}{% endif %}{{ q }}", "2", 0},
        {"{% set ns = namespace(c=0) %}{% for k in l %}{% set ns.c = ns.c + k %}{% endfor %}{{ ns"
         ".c }}{{ ns.x is defined }}{{ ns }}",
         "6False<Namespace {'c': 6}>", 0},
        {"{% set a, b = 1, 'x' %}{{ a }}{{ b }}{% set (c, d) = 'yz' %}{{ c }}{{ d }}", "1xyz", 0},
        {"{% macro m() %}{{ g }}{{ k }}{% endmacro %}{% set g = 'G' %}{% for k in l %}{{ m() }}{%"
         " endfor %}",
         "GGG", 0},
        {"{% set b %}x{{ 1 }}{% set q = 3 %}{% endset %}{{ b }}{{ q }}{% set b | upper | replace("
         "'X', 'y') %}ax{% endset %}{{ b }}",
         "x1Ay", 0},
        {"{% generation %}{{ i }}{% set i = 8 %}{{ i }}{% endgeneration %}{{ i }}", "787", 0},
        {"{% with q = 1, w = 2 %}{{ q }}{{ w }}{% set q = 3 %}{% endwith %}{{ q }}", "12", 0},
        /* a name set first in its scope is the scope's own from the beginning */
        {"{% for a in [1, 2] %}{{ ctx }}{% endfor %}|{% set ctx = 5 %}{{ ctx }}", "|5", 0},
        {"{{ ctx }}{% for a in [1] %}{{ ctx }}{% endfor %}{% set ctx = 5 %}{{ ctx }}",
         "outerouter5", 0},
        {"{% for a in [1, 2] %}{% if a == 2 %}{% set ctx = 'in' %}{% endif %}{{ ctx }}{% endfor %"
         "}",
         "outerin", 0},
        {"{% macro m() %}{{ ctx }}{% endmacro %}{{ m() }}|{% set ctx = 5 %}{{ m() }}", "|5", 0},
        {"{% set ctx %}{{ ctx }}!{% endset %}{{ ctx }}", "!", 0},
        {"{% set d.x = 1 %}", NULL, "cannot assign attribute on non-namespace object"},
        {"{% set a, b = [1] %}", NULL, "not enough values to unpack"},
    };
    run_rows(rows, FT__COUNT(rows));
}

TEST(jinja, loops) {
    static const row rows[] = {
        {"{% for k in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }} {% endfor %}",
         "10TrueFalse332 21FalseFalse321 32FalseTrue310 ", 0},
        {"{% for k in l %}{{ loop.previtem }}<{{ k }}>{{ loop.nextitem }} {{ loop.cycle('a', 'b')"
         " }}{{ loop.changed(k > 1) }} {% endfor %}",
         "<3>1 aTrue 3<1>2 bTrue 1<2> aTrue ", 0},
        {"{% for k in l if k > 1 %}{{ loop.index }}{{ loop.last }}{{ loop.length }};{% endfor %}",
         "1False2;2True2;", 0},
        /* the filter sees what the body did before, unless the loop looked ahead */
        {"{% set ns = namespace(p=0) %}{% for x in [1, 1, 2] if x != ns.p %}{{ x }}{% set ns.p = "
         "x %}{% endfor %}",
         "12", 0},
        {"{% for x in [1, 2] if x > 9 %}a{% else %}none{% endfor %}{% for k, v in {'a': 1}.items("
         ") %}{{ k }}{{ v }}{% endfor %}",
         "nonea1", 0},
        {"{% for k in range(9) %}{% if k == 1 %}{% continue %}{% endif %}{% if k == 4 %}{% break "
         "%}{% endif %}{{ k }}{% endfor %}",
         "023", 0},
        {"{% for c in u %}{{ c }}.{% endfor %}{% for k in d %}{{ k }}{% endfor %}{% for (a, b), c"
         " in [[[1, 2], 3]] %}{{ a + b + c }}{% endfor %}",
         "n.\xC3\xA9.\xE6\x97\xA5.bAitems6", 0},
        {"{% for x in [1, [2, [3]]] recursive %}{% if x is number %}{{ x }}@{{ loop.depth }}{% el"
         "se %}({{ loop(x) }}){% endif %}{% endfor %}",
         "1@1(2@2(3@3))", 0},
        {"{% for x in l %}{% set q %}a{% break %}{% endset %}{% endfor %}ok", "ok", 0},
        {"{% for x in 5 %}{% endfor %}", NULL, "'int' object is not iterable"},
    };
    run_rows(rows, FT__COUNT(rows));
}

TEST(jinja, macros) {
    static const row rows[] = {
        {"{% macro m(p, q=p ~ '!') %}[{{ p }}{{ q }}]{% endmacro %}{{ m('x') }}{{ m('x', 2) }}{{ "
         "m(q=1) }}",
         "[xx!][x2][1]", 0},
        {"{% macro m(p) %}{{ p }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, z=4) }}{{ m(*["
         "5, 6], **{'y': 7}) }}",
         "1(2,){'z': 4}5(6,){'y': 7}", 0},
        {"{% macro f(k) %}{{ k }}{% if k > 1 %}*{{ f(k - 1) }}{% endif %}{% endmacro %}{{ f(4) }}"
         "{{ f.name }}",
         "4*3*2*1f", 0},
        {"{% macro w(x) %}<{{ caller(x) }}>{% endmacro %}{% for k in [1, 2] %}{% call(v) w(k) %}{"
         "{ v }}{{ k }}{% endcall %}{% endfor %}",
         "<11><22>", 0},
        {"{% macro m() %}a{% endmacro %}{{ m() ~ m()|upper }}", "aA", 0},
        {"{% macro m() %}{% endmacro %}{{ m(1) }}", NULL, "takes not more than 0 argument"},
        {"{% macro m() %}{% endmacro %}{{ m(z=1) }}", NULL, "no keyword argument 'z'"},
        {"{% macro m(p) %}{{ p.x }}{% endmacro %}{{ m() }}", NULL, "parameter 'p' was not provided"},
        {"{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}",
         NULL, "no keyword argument 'caller'"},
    };
    run_rows(rows, FT__COUNT(rows));
}

TEST(jinja, filters) {
    static const row rows[] = {
        {"{{ 'hello wORLD-foo (x)'|title }}|{{ 'hELLO'|capitalize }}|{{ '\xC3\x9F \xEF\xAC\x81'|u"
         "pper }}|{{ '\xCE\x91\xCE\xA3'|lower }}",
         "Hello World-Foo (X)|Hello|SS FI|\xCE\xB1\xCF\x82", 0},
        {"{{ 'a\nb\n\nc'|indent }}|{{ 'a\nb'|indent(2, first=true) }}|{{ 'a\n\nb'|indent(1, blank"
         "=true) }}",
         "a\n    b\n\n    c|  a\n  b|a\n \n b", 0},
        {"{{ '\\x1c a\xC2\xA0 '|trim }}|{{ 'xax'|trim('x') }}|{{ none|trim }}|{{ [1]|trim }}",
         "a|a|None|[1]", 0},
        {"{{ nope|default('a') }}{{ e|default('b') }}{{ e|default('b', true) }}{{ n|d('c') }}",
         "abNone", 0},
        {"{{ l|sort }}{{ ['b', 'A', 'a']|sort }}{{ l|sort(reverse=true) }}{{ d|dictsort }}{{ [1, "
         "1, 2]|unique|list }}{{ l|min }}{{ l|max }}{{ l|sum }}",
         "[1, 2, 3]['A', 'a', 'b'][3, 2, 1][('A', 2), ('b', 1), ('items', 5)][1, 2]136", 0},
        {"{{ m|selectattr('role', 'equalto', 'user')|list|length }}{{ m|map(attribute='k', defaul"
         "t=0)|list }}{{ m|rejectattr('k', 'defined')|map(attribute='role')|join }}{{ m|sort(attr"
         "ibute='role', reverse=true)|map(attribute='content')|join('/') }}",
         "1[0, 2]systemU/S", 0},
        {"{{ l|map('string')|join('-') }}{{ [1, 2, 3]|select('odd')|list }}{{ l|reject('gt', 1)|l"
         "ist }}{{ ['x', none]|select|first }}",
         "3-1-2[1, 3][1]x", 0},
        {"{{ '3.7'|int }}{{ 'x'|int(9) }}{{ 'ff'|int(0, 16) }}{{ 3.9|int }}{{ '2.5'|float }}{{ -3"
         "|abs }}{{ 3.14159|round(2) }}{{ 2.5|round }}{{ 2.675|round(2) }}{{ 42.55|round(1, 'floo"
         "r') }}",
         "3925532.533.142.02.6742.5", 0},
        {"{{ [1, 2, 3]|batch(2)|list }}{{ l|slice(2)|list }}{{ 'a b c'|wordcount }}{{ l|first }}{"
         "{ s|last }}{{ s|reverse }}{{ d|items|list|length }}",
         "[[1, 2], [3]][[3, 1], [2]]33ddlroW olleH3", 0},
        {"{{ 'a'|e }}{{ '<b>'|e }}{{ '<b>'|safe }}{{ '<'|safe + '<' }}{{ ('<'|safe) ~ '<' }}{{ 'a"
         "XbX'|replace('X', '-', 1) }}",
         "a&lt;b&gt;<b><&lt;<<a-bX", 0},
        {"{{ m|groupby('role') }}{{ 'hello world foo'|truncate(8) }}|{{ 'ab'|center(5) }}|{{ '%s-"
         "%d'|format('a', 3) }}",
         "[('system', [{'role': 'system', 'content': 'S'}]), ('user', [{'role': 'user', 'content'"
         ": 'U', 'k': 2}])]hello...|  ab |a-3", 0},
        {"{{ '{\"a\": [1, 2.0]}'|from_json }}", "{'a': [1, 2.0]}", 0},
        {"{{ '{'|from_json }}", NULL, "from_json"},
        {"{{ l|map('string')|length }}", NULL, "has no len()"},
        {"{{ [1, 'a']|sort }}", NULL, "'<' not supported"},
        {"{{ l|join(sep=1) }}", NULL, "unexpected keyword argument 'sep'"},
        {"{{ l|first(1) }}", NULL, "takes at most 0 arguments"},
        {"{% if f %}{{ 1|nosuch }}{% endif %}{{ 1 if t else 2|nosuch }}", "1", 0},
        {"{% if t %}{{ 1|nosuch }}{% endif %}", NULL, "no filter named 'nosuch'"},
        {"{{ ' x '|trim.upper() }}", NULL, "no filter named 'trim.upper'"},
        {"{{ 1 is number.x }}", NULL, "no test named 'number.x'"},
        {"x\n{{ 1|nosuch }}", NULL, "t:2"},
        {"{% if f %}{% for x in l %}{{ x is nosuch }}{% endfor %}{% endif %}",
         NULL, "no test named 'nosuch'"},
        {"{% set q = l|map('nosuch') %}ok", "ok", 0},
    };
    run_rows(rows, FT__COUNT(rows));
}

TEST(jinja, json) {
    static const row rows[] = {
        {"{{ {'a': 1.0, 'b': [true, none, '<&>\\'\"\\\\\\n\\x07\\x7f/'], 'c': {}, 'd': []}|tojson"
         " }}",
         "{\"a\": 1.0, \"b\": [true, null, \"<&>'\\\"\\\\\\n\\u0007\x7f/\"], \"c\": {}, \"d\": []"
         "}", 0},
        {"{{ [1, [2, []], {}, {'a': (1,)}]|tojson(indent=2) }}",
         "[\n  1,\n  [\n    2,\n    []\n  ],\n  {},\n  {\n    \"a\": [\n      1\n    ]\n  }\n]", 0},
        {"{{ u|tojson }}{{ u|tojson(ensure_ascii=True) }}{{ '\xF0\x9F\x91\x8D'|tojson(true) }}",
         "\"n\xC3\xA9\xE6\x97\xA5\"\"n\\u00e9\\u65e5\"\"\\ud83d\\udc4d\"", 0},
        {"{{ {'b': 1, 'a': 2}|tojson(sort_keys=true) }}{{ [1, 2]|tojson(separators=(',', ':')) }}"
         "{{ {1: 2, none: 3, true: 4}|tojson }}",
         "{\"a\": 2, \"b\": 1}[1,2]{\"1\": 4, \"null\": 3}", 0},
        {"{{ nope|tojson }}", NULL, "Undefined is not JSON serializable"},
        {"{{ {(1, 2): 3}|tojson }}", NULL, "keys must be str"},
    };
    run_rows(rows, FT__COUNT(rows));
}

TEST(jinja, methods) {
    static const row rows[] = {
        {"{{ '  a b '.split() }}{{ ' a b '.split(' ') }}{{ 'a-b-c'.split('-', 1) }}{{ ''.split() "
         "}}{{ ''.split(',') }}{{ ' a b c '.split(none, 1) }}",
         "['a', 'b']['', 'a', 'b', '']['a', 'b-c'][]['']['a', 'b c ']", 0},
        {"{{ 'a b  c '.rsplit(none, 1) }}{{ 'a,b,c'.rsplit(',', 1) }}{{ 'a,b'.partition(',') }}{{"
         " 'a\\r\\nb\\n'.splitlines() }}",
         "['a b', 'c']['a,b', 'c']('a', ',', 'b')['a', 'b']", 0},
        {"{{ 'xxaxx'.strip('x') }}{{ '\\n\\na'.lstrip('\\n') }}{{ 'a \\n'.rstrip() }}|{{ 'aXbX'.r"
         "eplace('X', '-', 1) }}{{ 'ab'.replace('', '.') }}",
         "aaa|a-bX.a.b.", 0},
        {"{{ 'abc'.startswith('ab') }}{{ 'abc'.endswith(('x', 'c')) }}{{ 'abc'.startswith('b', 1)"
         " }}{{ '\xC3\xA9" "b'.find('b') }}{{ 'abcb'.count('b') }}{{ 'abcb'.rfind('b') }}",
         "TrueTrueTrue123", 0},
        {"{{ s.upper() }}{{ 'hello wORLD'.title() }}{{ 'hELLO'.capitalize() }}{{ 'aB'.swapcase() "
         "}}{{ ', '.join(['a', 'b']) }}{{ '12'.isdigit() }}{{ '7'.zfill(3) }}",
         "HELLO WORLDHello WorldHelloAba, bTrue007", 0},
        {"{{ d.get('b') }}{{ d.get('q') }}{{ d.get('q', 4) }}{{ d.keys()|list }}{{ d.values()|lis"
         "t }}{{ d.items() }}",
         "1None4['b', 'A', 'items'][1, 2, 5]dict_items([('b', 1), ('A', 2), ('items', 5)])", 0},
        {"{{ 'a{}b{}'.format(1, 'z') }}{{ '{0}{x}{0!r:>4}|{1:05.1f}|{2:,}'.format('y', 3.14159, 1"
         "234567, x=2) }}",
         "a1bzy2 'y'|003.1|1,234,567", 0},
        {"{{ '%s-%5.2f|%-4s|%04d|%x|%%' % ('a', 3.14159, 'b', 42, 255) }}{{ '%(a)s' % {'a': 1} }}"
         "{{ '%s' % 5 }}",
         "a- 3.14|b   |0042|ff|%15", 0},
        {"{{ '%.0f %.0f %.1f %e %g %g' % (0.5, 1.5, 0.25, 12345.678, 0.0001, 1e10) }}",
         "0 2 0.2 1.234568e+04 0.0001 1e+10", 0},
        {"{{ 'a'.nope() }}", NULL, "'str object' has no attribute 'nope'"},
        {"{{ ', '.join([1]) }}", NULL, "expected str instance, int found"},
        {"{{ '%d' % 'a' }}", NULL, "a number is required"},
        {"{{ 'abc' % 1 }}", NULL, "not all arguments converted"},
    };
    run_rows(rows, FT__COUNT(rows));
}

TEST(jinja, tests_and_functions) {
    static const row rows[] = {
        {"{{ 'x' is iterable }}{{ d is sequence }}{{ d is mapping }}{{ 5 is iterable }}{{ nope is"
         " iterable }}{{ true is number }}{{ true is integer }}{{ 0 is false }}{{ f is false }}",
         "TrueTrueTrueFalseTrueTrueFalseFalseTrue", 0},
        {"{{ 1 is eq 1 }}{{ 2 is gt(1) }}{{ 'a' is in 'ab' }}{{ 'A' is upper }}{{ 1 is sameas tru"
         "e }}{{ 'upper' is filter }}{{ s.upper is callable }}",
         "TrueTrueTrueTrueFalseTrueTrue", 0},
        {"{{ range(3)|list }}{{ range(5, 0, -2)|list }}{{ range(2) }}{{ range(9)|length }}{{ dict"
         "(a=1, b=2) }}",
         "[0, 1, 2][5, 3, 1]range(0, 2)9{'a': 1, 'b': 2}", 0},
        {"{{ strftime_now('%d %b %Y|%B %d, %Y %H:%M:%S %A %j %-d %I%p %%') }}",
         "14 Mar 2026|March 14, 2026 15:09:26 Saturday 073 14 03PM %", 0},
        {"{{ strftime_now('%U %V %G %u %w %W %y %C %D %F %T %c') }}",
         "10 11 2026 6 6 10 26 20 03/14/26 2026-03-14 15:09:26 Sat Mar 14 15:09:26 2026", 0},
        {"{{ tools is none }}{{ documents is defined }}", "TrueTrue", 0},
        {"{{ raise_exception('bad ' ~ i) }}", NULL, "bad 7"},
        {"{{ range(100001) }}", NULL, "a range of more than 100000"},
    };
    run_rows(rows, FT__COUNT(rows));
}

TEST(jinja, syntax_errors) {
    static const row rows[] = {
        {"a\n{{ 1 2 }}", NULL, "t:2: expected '}}', found a number"},
        {"{{ }}", NULL, "expected an expression, found '}}'"},
        {"{{ 'abc }}", NULL, "a string without its closing '"},
        {"{% if t %}\n\n", NULL, "one of these is missing: elif else endif"},
        {"{{ (1 }}", NULL, "unexpected '}'"},
        {"{{ 1", NULL, "{{ without its end }}"},
        {"{# x", NULL, "a comment {# without its end #}"},
        {"{% raw %}", NULL, "without {% endraw %}"},
        {"{% nosuch %}", NULL, "unknown tag {% nosuch %}"},
        {"{% break %}", NULL, "outside of a loop"},
        {"{% for x in l %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}",
         NULL, "outside of a loop"},
        {"{% set 'a' = 1 %}", NULL, "cannot be assigned to"},
        {"{% macro m(a=1, b) %}{% endmacro %}", NULL, "without a default follows"},
        {"{% include 'x' %}", NULL, "{% include %} is not supported"},
        {"{{ '\\x4' }}", NULL, "no escape of a character"},
        {"{{ a ? b }}", NULL, "unexpected character '?'"},
        {"{{ f(a=1, 2) }}", NULL, "invalid order of arguments"},
        {"{{ .5 }}", NULL, "expected an expression, found '.'"},
        {"\xFF", NULL, "not valid UTF-8"},
    };
    run_rows(rows, FT__COUNT(rows));
}

/* Whatever a template does, it ends, and says why. */
TEST(jinja, limits) {
    static const row rows[] = {
        {"{% macro r(n) %}{{ r(n + 1) }}{% endmacro %}\n{{ r(0) }}",
         NULL, "nested more than 1000 deep"},
        {"{% set ns = namespace(x=[]) %}{% for i in range(3000) %}{% set ns.x = [ns.x] %}{% endfo"
         "r %}{{ ns.x }}",
         NULL, "nested more than"},
        {"{% set ns = namespace(x=[]) %}{% for i in range(3000) %}{% set ns.x = [ns.x] %}{% endfo"
         "r %}{{ ns.x|tojson }}",
         NULL, "nested more than"},
        {"{% set ns = namespace(x=[1]) %}{% for i in range(3000) %}{% set ns.x = ns.x|map('string"
         "') %}{% endfor %}{{ ns.x|list }}",
         NULL, "nested more than"},
        {"{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x * 2 %}{% end"
         "for %}",
         NULL, "repeated too often"},
        {"{{ 'x'.center(99999999999) }}", NULL, "MiB of output"},
        {"{{ ('a' * 10000000)|replace('a', 'b' * 1000) }}", NULL, "more than"},
    };
    run_rows(rows, FT__COUNT(rows));
}

static void limited(const char *source, ft__jlimits limits, const char *needle) {
    ft_error err;
    ft__jinja r;
    begin();
    ft_template *t = ft_template_parse(source, strlen(source), "t", NULL, &err);
    if (CHECK(t != NULL)) {
        ft__jinja_init(&r, t, NULL, &limits);
        CHECK_INT(ft__jinja_run(&r, context), FT_ERR_LIMIT);
        if (!CHECK(strstr(r.message, needle) != NULL)) test_note("got %s", r.message);
        CHECK_INT(r.line, 2);
        ft__jinja_done(&r);
    }
    ft_template_free(t);
    ft__arena_free(&arena);
}

TEST(jinja, limits_can_be_lower) {
    ft__jlimits limits = {1000, 1 << 20, 1 << 20, 100};
    limited("\n{% for i in range(1000) %}{{ i }}{% endfor %}", limits, "more than 1000 steps");
    limits.steps = 1 << 30;
    limited("\n{% for i in range(9000) %}{{ i ~ s ~ i }}{% endfor %}", limits, "more than 1 MiB of memory");
    limits.memory = 1 << 30;
    limited("\n{% for i in range(90000) %}{{ s }}{{ s }}{% endfor %}", limits, "more than 1 MiB of output");
}

static const char everything[] =
    "{% macro m(a, b=2) %}{{ a ~ b }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, c=4) }}"
    "{% set ns = namespace(x='') %}{% for k in l if k > 1 %}{% set ns.x = ns.x ~ k * 30 ~ s %}{{ loop.last }}{% endfor %}"
    "{{ ns.x|upper|trim|replace('O', '0') }}{{ d|dictsort|tojson(indent=1) }}{{ big * big }}{{ s.split()|map('lower')|list }}"
    "{% set q %}{{ '%s' % 1.5 }}{{ '{:>9}'.format(i) }}{% endset %}{{ q }}{{ l|sort|join(',') }}{{ m|string|length }}";

TEST(jinja, survives_every_failed_allocation) {
    test_memory memory;
    ft_status status = FT_ERR_MEMORY;
    begin();
    for (long n = 1; status == FT_ERR_MEMORY && n < 3000; n++) {
        memset(&memory, 0, sizeof memory);
        memory.fail_at = n;
        ft_allocator a = test_allocator(&memory);
        ft_error err;
        ft__buf out;
        memset(&err, 0, sizeof err);
        ft__buf_init(&out, NULL);
        ft_template *t = ft_template_parse(everything, strlen(everything), "t", &a, &err);
        status = t ? ft__template_render(t, context, NULL, &out, &err) : err.code;
        if (status && !CHECK_INT(status, FT_ERR_MEMORY)) test_note("%s", err.message);
        CHECK(status == FT_OK || out.len == 0);
        ft_template_free(t);
        ft__buf_free(&out);
        if (!CHECK_INT(memory.live, 0)) break;
    }
    CHECK_INT(status, FT_OK);
    ft__arena_free(&arena);
}

/* A template's text cut anywhere is parsed or refused, and nothing else happens. */
TEST(jinja, cut_templates) {
    begin();
    for (size_t n = 0; n < sizeof everything; n++) {
        ft_error err;
        char *copy = (char *)malloc(n ? n : 1);
        ft__buf out;
        ft__buf_init(&out, NULL);
        memcpy(copy, everything, n);
        ft_template *t = ft_template_parse(copy, n, "t", NULL, &err);
        free(copy); /* it is not needed any more */
        if (t) (void)ft__template_render(t, context, NULL, &out, &err);
        ft_template_free(t);
        ft__buf_free(&out);
    }
    ft__arena_free(&arena);
}

/* A text that grows by and by costs what it is long, and older states of it stay what they were. */
TEST(jinja, growing_texts_are_linear) {
    static const char source[] =
        "{% set ns = namespace(x='', l=[]) %}{% for i in range(50000) %}{% set ns.x = ns.x ~ 'abcdefghij' %}"
        "{% set ns.l = ns.l + [i] %}{% if i == 99 %}{% set ns.y = ns.x %}{% set ns.m = ns.l %}{% endif %}{% endfor %}"
        "{{ ns.x|length }} {{ ns.y|length }} {{ (ns.y ~ 'Q')[-3:] }} {{ (ns.y + 'R')[-3:] }} {{ ns.y[-3:] }} {{ ns.x[1000:1003] }}"
        " {{ ns.l|length }} {{ (ns.m + ['q'])[-2:] }} {{ ns.m|length }} {{ ns.l[99:102] }}";
    ft_error err;
    ft__buf out;
    ft__jinja r;
    begin();
    ft__buf_init(&out, NULL);
    CHECK_OK(render(source, &out, &err), err);
    CHECK_TEXT(out.data, "500000 1000 ijQ ijR hij abc 50000 [99, 'q'] 100 [99, 100, 101]");
    ft_template *t = ft_template_parse(source, strlen(source), "t", NULL, &err);
    ft__jinja_init(&r, t, NULL, NULL);
    CHECK_INT(ft__jinja_run(&r, context), FT_OK);
    CHECK(r.memory < 64 << 20);
    ft__jinja_done(&r);
    ft_template_free(t);
    ft__buf_free(&out);
    ft__arena_free(&arena);
}
