/* xml_valid and csv_valid. */
#include "../src/eval/eval.h"
#include "test.h"

static ft_score judge_n(const char *name, const char *params, const char *output, size_t n) {
    ft_error err = {FT_OK, "", ""};
    ft_score s;
    memset(&s, 0, sizeof s);
    ft_evaluator *e = ft_evaluator_create(name, params, NULL, &err);
    ft_row *row = ft_row_parse("{}", 2, NULL, &err);
    if (CHECK(e && row))
        CHECK_OK(ft_evaluate(e, row, output, n, &s, &err), err);
    else
        test_note("%s", err.message);
    ft_row_free(row);
    ft_evaluator_free(e);
    return s;
}

static ft_score judge(const char *name, const char *params, const char *output) {
    return judge_n(name, params, output, strlen(output));
}

static void check_all(const char *name, const char *params, const char *const *texts, size_t n,
                      bool valid) {
    for (size_t i = 0; i < n; i++) {
        ft_score s = judge(name, params, texts[i]);
        CHECK_INT(s.state, FT_SCORED);
        if (!CHECK(s.pass == valid)) test_note("%s: %s", texts[i], s.detail);
        CHECK((s.detail[0] == 0) == valid);
    }
}

TEST(markup, xml_valid) {
    static const char *const good[] = {
        "<a/>",
        " \n<a></a>\n",
        "<?xml version=\"1.0\"?><a/>",
        "<?xml version='1.1' encoding='UTF-8' standalone='yes' ?>\n<a/>",
        "\xEF\xBB\xBF<a/>",
        "<!DOCTYPE html><html></html>",
        "<!DOCTYPE a SYSTEM \"x>y\" [<!ENTITY b \"]\"> <!-- ' ]> -->]><a>&b;</a>",
        "<a x='1' y = \"2&lt;'\" >text<b/>&amp;&#x1F600;&#10;</a >",
        "<a><![CDATA[ <b> & ]] > ]]></a>",
        "<a><!-- - <b> & --></a><!-- end --><?go on?><?xmls?>",
        "<\xC3\xA9:b.c-d _x=''/>",
        "<a><b x='1'/><b x='1'><b x='1'/></b></a>",
        "<a>]] > ]></a>",
        "<a>\"quotes' > ]</a>",
    };
    static const char *const bad[] = {
        "",
        " ",
        "text",
        "<a>",
        "<a></b>",
        "<a><b></a></b>",
        "</a>",
        "<a/><b/>",
        "<a/>text",
        "text<a/>",
        "<a/>&amp;",
        "<a x=1/>",
        "<a x/>",
        "<a x='1' x=\"1\"/>",
        "<a x='1'y='2'/>",
        "<a x='<'/>",
        "<a x='1/>",
        "<a>&</a>",
        "<a>&b;</a>",
        "<a>&amp</a>",
        "<a>&#0;</a>",
        "<a>&#xD800;</a>",
        "<a>&#;</a>",
        "<a>&#x110000;</a>",
        "<a>&#99999999999999;</a>",
        "<a>]]></a>",
        "<a><!-- -- --></a>",
        "<a><!-- a ---></a>",
        "<a><!-- </a>",
        "<a><![CDATA[ </a>",
        "<![CDATA[x]]>",
        " <?xml version='1.0'?><a/>",
        "<?xml?><a/>",
        "<?xml encoding='a'?><a/>",
        "<a><?xml x?></a>",
        "<a><?b</a>",
        "<?b",
        "<1/>",
        "< a/>",
        "<a b:='1' 2='3'/>",
        "<a",
        "<",
        "<a/",
        "<a></a",
        "<a>\x01</a>",
        "<a>\xFF</a>",
        "<a>\xEF\xBF\xBE</a>",
        "<!DOCTYPE a",
        "<!DOCTYPE a>",
        "<a/><!DOCTYPE a>",
        "<!ELEMENT a>",
        "<a></a b>",
        "<a><b x='&c;'/></a>",
    };
    check_all("xml_valid", NULL, good, FT__COUNT(good), true);
    check_all("xml_valid", NULL, bad, FT__COUNT(bad), false);
    CHECK_TEXT(judge("xml_valid", NULL, "<a>\n\xC3\xA9<b></a>").detail,
               "line 2, column 8: the end tag is not that of the open element");
    CHECK_INT(judge_n("xml_valid", NULL, "<a>\0</a>", 8).pass, 0);
}

TEST(markup, csv_valid) {
    static const char *const good[] = {
        "a",
        "a,b\n",
        "a,b\r\nc,d\r\n",
        "a,b\nc,d",
        "\"a\",\"b\"\n\"c\"\"d\",\"e,f\ng\r\n\"",
        ",\n,\n",
        "\xC3\xA9\t,x\ny,",
        "\"\"",
        "a\n\nb",
    };
    static const char *const bad[] = {
        "",     "a,b\nc",  "a\nb,c", "a\"b",    "\"a\"b",   "\"a",        "\"a\"\"",
        "a\rb", "a\n\x01", "\xFF",   "a,b\n\n", "\"a\" ,b", "a,\"b\" \n",
    };
    check_all("csv_valid", NULL, good, FT__COUNT(good), true);
    check_all("csv_valid", NULL, bad, FT__COUNT(bad), false);
    CHECK_INT(judge_n("csv_valid", NULL, "a\0b", 3).pass, 0);
    CHECK_INT(judge("csv_valid", "{\"delimiter\": \";\"}", "a;b\n\"c;\";d,e").pass, 1);
    CHECK_INT(judge("csv_valid", "{\"columns\": 2}", "a\nb").pass, 0);
    CHECK_TEXT(judge("csv_valid", NULL, "a,b\nc,d,e").detail, "line 2, column 6: too many fields");
}

TEST(markup, csv_header) {
    const char *params = "{\"header\": [\"a\", \"b \\\"c\\\"\"]}";
    static const char *const good[] = {"a,\"b \"\"c\"\"\"\n1,2", "\"a\",\"b \"\"c\"\"\""};
    static const char *const bad[] = {"a\n1",     "a,b\n1,2", "a,\"b \"\"c\"\"\",d",
                                      "1,2\na,b", "",         "a,\"b \"\"c\"\"\"\n1"};
    check_all("csv_valid", params, good, FT__COUNT(good), true);
    check_all("csv_valid", params, bad, FT__COUNT(bad), false);
}

TEST(markup, csv_parameters) {
    static const char *const wrong[][2] = {
        {"{\"delimiter\": \"\"}", "\"delimiter\""},
        {"{\"delimiter\": \";;\"}", "\"delimiter\""},
        {"{\"delimiter\": \"\\\"\"}", "\"delimiter\""},
        {"{\"delimiter\": \"\\n\"}", "\"delimiter\""},
        {"{\"delimiter\": \"\\u0000\"}", "\"delimiter\""},
        {"{\"columns\": 0}", "\"columns\""},
        {"{\"columns\": 1.5}", "\"columns\""},
        {"{\"header\": \"a\"}", "\"header\""},
        {"{\"header\": []}", "\"header\""},
        {"{\"header\": [1]}", "\"header\""},
        {"{\"header\": [\"a\"], \"columns\": 2}", "\"header\""},
    };
    for (size_t i = 0; i < FT__COUNT(wrong); i++) {
        ft_error err = {FT_OK, "", ""};
        ft_evaluator *e = ft_evaluator_create("csv_valid", wrong[i][0], NULL, &err);
        CHECK(e == NULL);
        CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, wrong[i][1]);
        ft_evaluator_free(e);
    }
}

/* Deep, wide and long documents take linear time and no stack. */
TEST(markup, large_documents) {
    enum { N = 200000 };
    ft__buf xml, csv;
    ft__buf_init(&xml, NULL);
    ft__buf_init(&csv, NULL);
    for (int i = 0; i < N; i++) ft__buf_text(&xml, "<a>");
    for (int i = 0; i < N; i++) ft__buf_text(&xml, "</a>");
    double start = ft__seconds();
    CHECK_INT(judge_n("xml_valid", NULL, xml.data, xml.len).pass, 1);
    CHECK_INT(judge_n("xml_valid", NULL, xml.data, xml.len - 1).pass, 0);
    xml.len = 0;
    ft__buf_text(&xml, "<a");
    for (int i = 0; i < N; i++) ft__buf_printf(&xml, " x%d=''", i);
    ft__buf_text(&xml, "/>");
    CHECK_INT(judge_n("xml_valid", NULL, xml.data, xml.len).pass, 1);
    for (int i = 0; i < N; i++) ft__buf_text(&csv, "\"\"\"\",");
    CHECK_INT(judge_n("csv_valid", NULL, csv.data, csv.len).pass, 1);
    CHECK(ft__seconds() - start < 5);
    ft__buf_free(&xml);
    ft__buf_free(&csv);
}
