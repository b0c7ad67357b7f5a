#include "../src/eval/eval.h"
#include "test.h"

static ft_score score_row(const char *params, const char *row_json, const char *output, size_t n) {
    ft_error err = {FT_OK, "", ""};
    ft_score s;
    ft_evaluator *e = ft_evaluator_create("pii", params, NULL, &err);
    ft_row *row = ft_row_parse(row_json, strlen(row_json), NULL, NULL);
    memset(&s, 0, sizeof s);
    if (!e) test_note("%s", err.message);
    if (CHECK(e && row)) CHECK_OK(ft_evaluate(e, row, output, n, &s, &err), err);
    ft_row_free(row);
    ft_evaluator_free(e);
    return s;
}

static ft_score score(const char *params, const char *output) {
    return score_row(params, "{}", output, strlen(output));
}

/* "TYPE text|TYPE text" for all that is found. */
static const char *found(const char *output) {
    static char text[1024];
    ft_score s = score(NULL, output);
    size_t used = 0;
    text[0] = 0;
    CHECK_NEAR(s.value, s.n_spans == 0, 0);
    for (int i = 0; i < s.n_spans && i < FT_MAX_SPANS; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %.*s", i ? "|" : "",
                                 s.spans[i].what, (int)(s.spans[i].end - s.spans[i].begin),
                                 output + s.spans[i].begin);
    return text;
}

TEST(pii, email) {
    CHECK_TEXT(found("Write to <ann.lee+shop@mail.example.co>, or O'Hara_7@x.io."),
               "EMAIL ann.lee+shop@mail.example.co|EMAIL O'Hara_7@x.io");
    CHECK_TEXT(found("**q@w.org** 'r@w.org' mailto:t@w.org;u@w.org"),
               "EMAIL q@w.org|EMAIL r@w.org|EMAIL t@w.org|EMAIL u@w.org");
    CHECK_TEXT(found("\xE9\x82\xAE\xE7\xAE\xB1q@w.cn\xE3\x80\x82"), "EMAIL q@w.cn");
    CHECK_TEXT(found("@w.org q@w q@.org q.@w.org q@-w.org q@w.1 q@w.o @ann pic@3x.jpeg q@1.2"), "");
    CHECK_TEXT(found("ftp://ann:pw@host.example/x ssh://git@host.example"), "");
    CHECK_TEXT(found("12.03.1990@w.org +15551234567@w.org"),
               "EMAIL 12.03.1990@w.org|EMAIL 15551234567@w.org");
    char text[400];
    memset(text, 'a', sizeof text);
    memcpy(text + 64, "@w.org ", 8);
    CHECK(score(NULL, text).n_spans == 1);
    memset(text, 'a', sizeof text);
    memcpy(text + 65, "@w.org ", 8); /* the local part has at most 64 */
    CHECK(score(NULL, text).n_spans == 0);
}

TEST(pii, phones_of_the_world) {
    CHECK_TEXT(found("(212) 555-0147, 212.555.0148, 1-212-555-0149 or 212-555-0150!"),
               "PHONE (212) 555-0147|PHONE 212.555.0148|PHONE 1-212-555-0149|PHONE 212-555-0150");
    CHECK_TEXT(found("+44 (0)20 7946 0001; +4915100000001, +81-3-1234-5671 2026"),
               "PHONE +44 (0)20 7946 0001|PHONE +4915100000001|PHONE +81-3-1234-5671");
    CHECK_TEXT(found("020 7946 0002; 0171/1234567; (0161) 496 0001; 01.23.45.67.80"),
               "PHONE 020 7946 0002|PHONE 0171/1234567|PHONE (0161) 496 0001|PHONE 01.23.45.67.80");
    CHECK_TEXT(found("0033 1 23 45 67 80 and +33\xC2\xA0" "1\xC2\xA0" "23\xC2\xA0" "45\xC2\xA0" "67\xC2\xA0" "81"),
               "PHONE 0033 1 23 45 67 80|"
               "PHONE +33\xC2\xA0" "1\xC2\xA0" "23\xC2\xA0" "45\xC2\xA0" "67\xC2\xA0" "81");
    CHECK_TEXT(found("Call me: 5550147 / M\xC3\x93VIL 612 345 670, sms to 98765 43210."),
               "PHONE 5550147|PHONE 612 345 670|PHONE 98765 43210");
    CHECK_TEXT(found("+49 30 1234567 17:30"), "PHONE +49 30 1234567");
    CHECK_TEXT(found("212-555-0147 5pm, 0044 (0)20 7946 0958 99"),
               "PHONE 212-555-0147|PHONE 0044 (0)20 7946 0958");
}

TEST(pii, what_is_no_phone) {
    CHECK_TEXT(found("555-0147, 612 345 670, 98765 43210, 5550147000, 12 34 56 78"), "");
    CHECK_TEXT(found("Order 212-555-0147, invoice no 0123-456789, ticket 020 7946 0002"), "");
    CHECK_TEXT(found("1+2125550147, x+12125550147, UTC+0100, +1 23, +999"), "");
    CHECK_TEXT(found("0-306-40615-2, 978-0-306-40615-7, 9780306406157, call 9780306406157"), "");
    CHECK_TEXT(found("call at 10:30 on 12.05.2020 or 2020-05-13"), "");
    CHECK_TEXT(found("112-555-0147, 212-155-0147, 212-555-01470, 1212-555-0147"), "");
    CHECK_TEXT(found("recall 5550147, the calls 5550147, call. We sold 5550147"), "");
    CHECK_TEXT(found("call 12345678-1234-1234-1234-123456789012, 7-212-555-0147-9"), "");
    CHECK_TEXT(found("212 555 0147 332 778 9910"), "");
}

TEST(pii, cards) {
    CHECK_TEXT(found("4111 1111 1111 1111, 3782-822463-10005, 30569309025904, 4222222222222."),
               "CREDIT_CARD 4111 1111 1111 1111|CREDIT_CARD 3782-822463-10005|"
               "CREDIT_CARD 30569309025904|CREDIT_CARD 4222222222222");
    CHECK_TEXT(found("2223003122003222 6011-1111-1111-1117 3530 1113 3330 0000"),
               "CREDIT_CARD 2223003122003222|CREDIT_CARD 6011-1111-1111-1117|"
               "CREDIT_CARD 3530 1113 3330 0000");
    CHECK_TEXT(found("4111 1111 1111 1112, 1234567812345670, 4111-1111 1111-1111"), "");
    CHECK_TEXT(found("41111111111111111, x4111111111111111, 3.4111111111111111, 411111111111111"),
               "");
    CHECK_TEXT(found("call 4111 1111 1111 1112"), ""); /* nor is a part of it a number to call */
}

TEST(pii, ibans) {
    CHECK_TEXT(found("(GB82WEST12345698765432) DE89 3704 0044 0532 0130 00 now NO9386011117947"),
               "IBAN GB82WEST12345698765432|IBAN DE89 3704 0044 0532 0130 00|IBAN NO9386011117947");
    CHECK_TEXT(found("GB82WEST12345698765431 GB82WEST1234569876543 GB82WEST123456987654321"), "");
    CHECK_TEXT(found("XX89370400440532013000 AGB82WEST12345698765432 GB82west12345698765432"), "");
}

TEST(pii, social_security) {
    CHECK_TEXT(found("219-09-9999; (001-01-0001)"), "US_SSN 219-09-9999|US_SSN 001-01-0001");
    CHECK_TEXT(found("000-01-0001 666-01-0001 900-01-0001 219-00-0001 219-01-0000"), "");
    CHECK_TEXT(found("219-09-99990 1219-09-9999 219-09-9999-1 a219-09-9999 219 09 9999"), "");
}

TEST(pii, addresses_of_machines) {
    CHECK_TEXT(found("10.0.0.1:80, http://255.255.255.255/ 0.0.0.0."),
               "IPV4 10.0.0.1|IPV4 255.255.255.255|IPV4 0.0.0.0");
    CHECK_TEXT(found("256.0.0.1 10.0.0 10.0.0.0.1 10.0.0.01 v1.2.3.4 1.2.3.4a 1..2.3.4"), "");
    CHECK_TEXT(found("[2001:DB8::1]:443 ::1. fe80::1%eth0 ::ffff:10.0.0.1, 1:2:3:4:5:6:7:8 1::"),
               "IPV6 2001:DB8::1|IPV6 ::1|IPV6 fe80::1|IPV6 ::ffff:10.0.0.1|IPV6 1:2:3:4:5:6:7:8|"
               "IPV6 1::");
    CHECK_TEXT(found("a::b std::vector x1::2 12:30:45 00:1a:2b:3c:4d:5e 1::2::3 :: 1:2:3:4:5:6:7"),
               "");
    CHECK_TEXT(found("1:2:3:4:5:6:7:8:9 12345::1 ::1.2.3 ::1.2.3.400 1:2:3:4:5:6:7::8"), "");
}

TEST(pii, dates_of_birth) {
    CHECK_TEXT(found("born 31/12/1990; D.O.B. 1990-12-30, BIRTHDAY: 12/29/90"),
               "DATE_OF_BIRTH 31/12/1990|DATE_OF_BIRTH 1990-12-30|DATE_OF_BIRTH 12/29/90");
    CHECK_TEXT(found("geb. am 3. Mai 1990. N\xC3\x89" "E LE 1er ao\xC3\xBBt 1991, nacida el 2 de mayo de 1992"),
               "DATE_OF_BIRTH 3. Mai 1990|DATE_OF_BIRTH 1er ao\xC3\xBBt 1991|"
               "DATE_OF_BIRTH 2 de mayo de 1992");
    CHECK_TEXT(found("born in Oslo on the 3rd of May, 1990 and not on June 4, 1991"),
               "DATE_OF_BIRTH 3rd of May, 1990");
    CHECK_TEXT(found("\xE7\x94\x9F\xE6\x97\xA5\xEF\xBC\x9A" "1990\xE5\xB9\xB4" "5\xE6\x9C\x88" "1\xE6\x97\xA5"),
               "DATE_OF_BIRTH 1990\xE5\xB9\xB4" "5\xE6\x9C\x88" "1\xE6\x97\xA5");
    CHECK_TEXT(found("Met on 31/12/1990, stubborn 3 May 1990, born 32/01/1990, born 13/13/1990"), "");
    CHECK_TEXT(found("She was born there. We met on 3 May 1990."), "");
    CHECK_TEXT(found("born 3 May 990, born 3 Mayor 1990, born May 1990, born in 1990"), "");
}

TEST(pii, parameters) {
    static const char text[] = "a@w.org, 10.0.0.1, b@w.org";
    ft_error err = {FT_OK, "", ""};
    CHECK_TEXT(score(NULL, text).detail, "2 EMAIL, 1 IPV4");
    CHECK_TEXT(score("{\"types\": [\"IPV4\", \"IBAN\"]}", text).detail, "1 IPV4");
    CHECK_TEXT(score("{\"allow\": [\"a@w.org\", \"10.0.0.1\"]}", text).detail, "1 EMAIL");
    CHECK(!ft_evaluator_create("pii", "{\"types\": []}", NULL, &err));
    CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, "types");
    CHECK(!ft_evaluator_create("pii", "{\"types\": [\"NAME\"]}", NULL, &err));
    CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, "types");
    CHECK(!ft_evaluator_create("pii", "{\"types\": [\"EMAIL\\u0000S\"]}", NULL, &err));
    CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, "types");
    CHECK(!ft_evaluator_create("pii", "{\"types\": \"EMAIL\"}", NULL, &err));
    CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, "types");
    CHECK(!ft_evaluator_create("pii", "{\"allow\": [1]}", NULL, &err));
    CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err, "allow");
}

/* What the row says may be said again; in it, dates and numbers need no cue. */
TEST(pii, context) {
    static const char row[] =
        "{\"prompt\": \"I am a@w.org, 3 May 1990\", \"context\": [\"desk: 612 345 670\", \"\"], "
        "\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"10.0.0.1\"}]}, "
        "{\"role\": \"tool\", \"content\": \"b@w.org\"}]}";
    static const char same[] = "a@w.org b@w.org 10.0.0.1, born 3 May 1990, call 612 345 670";
    static const char params[] = "{\"context_ok\": true}";
    CHECK(score_row(params, row, same, strlen(same)).pass);
    CHECK_INT(score_row(NULL, row, same, strlen(same)).n_spans, 5);
    CHECK_INT(score_row(params, "{}", same, strlen(same)).n_spans, 5);
    CHECK_TEXT(score_row(params, row, "c@w.org, call 612 345 671", 25).detail, "1 EMAIL, 1 PHONE");
}

TEST(pii, edges) {
    CHECK(score(NULL, "").pass && score(NULL, "@").pass && score(NULL, ":").pass);
    CHECK(score(NULL, "+").pass && score(NULL, "(0").pass && score(NULL, "\xFF@\xFE.\xFF").pass);
    CHECK(score_row(NULL, "{}", "a@w.org\0b@w.org", 15).n_spans == 2);
    ft_score s = score(NULL, "\xFF" "a@w.org\xC3");
    CHECK(s.n_spans == 1 && s.spans[0].begin == 1 && s.spans[0].end == 8);
}

/* Texts that make every look as long as it can be. */
TEST(pii, linear) {
    static const char *const fills[] = {"1 ", "1.1.", "a1:", "@a.", "1-", "(1) ", "9", "DE89 ", "4111 ",
                                        "born 3 May ", "call 12 ", "+", "a.", "12.12.", ("\xC3\x9F" "1")};
    enum { N = 1000000 };
    char *text = (char *)malloc(N);
    double slowest = 0;
    const char *which = "";
    for (size_t k = 0; k < FT__COUNT(fills); k++) {
        size_t n = strlen(fills[k]);
        for (size_t i = 0; i < N; i++) text[i] = fills[k][i % n];
        double start = ft__seconds();
        score_row(NULL, "{}", text, N);
        double took = ft__seconds() - start;
        if (took > slowest) slowest = took, which = fills[k];
    }
    free(text);
    test_note("at worst %.0f ms a megabyte, for \"%s\"", slowest * 1e3, which);
    CHECK(slowest < 3);
}
