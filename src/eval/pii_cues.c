/* Words before a number that say what it is, in the languages of Europe and a few of Asia.  A date
   is one of birth only with a cue; a telephone number of unusual form needs one, and "order" or
   "isbn" says that what follows is none.

   Looked for backwards from the number, within so many bytes and words; the nearest one counts. */
#include "pii.h"

typedef struct ft__pii_cue {
    const char *text;
    int kind;
} ft__pii_cue;

static const ft__pii_cue ft__pii_cues[] = {
    {"born", FT__PII_BIRTH}, {"birth", FT__PII_BIRTH}, {"birthday", FT__PII_BIRTH},
    {"birthdate", FT__PII_BIRTH}, {"dob", FT__PII_BIRTH}, {"d.o.b", FT__PII_BIRTH},
    {"geboren", FT__PII_BIRTH}, {"geburtsdatum", FT__PII_BIRTH}, {"geburtstag", FT__PII_BIRTH},
    {"geb", FT__PII_BIRTH}, {"n\303\251e", FT__PII_BIRTH}, {"n\xC3\xA9", FT__PII_BIRTH},
    {"naissance", FT__PII_BIRTH}, {"nacimiento", FT__PII_BIRTH}, {"nacido", FT__PII_BIRTH},
    {"nacida", FT__PII_BIRTH}, {"naci\xC3\xB3", FT__PII_BIRTH}, {"nascido", FT__PII_BIRTH},
    {"nascida", FT__PII_BIRTH}, {"nascimento", FT__PII_BIRTH}, {"nato il", FT__PII_BIRTH},
    {"nata il", FT__PII_BIRTH}, {"nascita", FT__PII_BIRTH}, {"geboortedatum", FT__PII_BIRTH},
    {"f\303\266dd", FT__PII_BIRTH}, {"f\303\270dt", FT__PII_BIRTH},
    {"f\303\270dselsdato", FT__PII_BIRTH}, {"urodzony", FT__PII_BIRTH},
    {"urodzona", FT__PII_BIRTH},
    {"\xD1\x80\xD0\xBE\xD0\xB4\xD0\xB8\xD0\xBB", FT__PII_BIRTH}, /* rodil(sya) */
    {"\xD1\x80\xD0\xBE\xD0\xB6\xD0\xB4\xD0\xB5\xD0\xBD\xD0\xB8\xD1\x8F",
     FT__PII_BIRTH},                                                       /* rozhdeniya */
    {"\xE5\x87\xBA\xE7\x94\x9F", FT__PII_BIRTH},                          /* chu sheng */
    {"\xE7\x94\x9F\xE6\x97\xA5", FT__PII_BIRTH},                          /* sheng ri */
    {"\xE7\x94\x9F\xE5\xB9\xB4\xE6\x9C\x88\xE6\x97\xA5", FT__PII_BIRTH}, /* seinengappi */
    {"phone", FT__PII_CALL}, {"telephone", FT__PII_CALL}, {"tel", FT__PII_CALL},
    {"call", FT__PII_CALL}, {"ring", FT__PII_CALL}, {"dial", FT__PII_CALL},
    {"fax", FT__PII_CALL}, {"mobile", FT__PII_CALL}, {"cell", FT__PII_CALL},
    {"cellphone", FT__PII_CALL}, {"hotline", FT__PII_CALL}, {"whatsapp", FT__PII_CALL},
    {"sms", FT__PII_CALL}, {"telefon", FT__PII_CALL}, {"telefonnummer", FT__PII_CALL},
    {"rufnummer", FT__PII_CALL}, {"handy", FT__PII_CALL}, {"handynummer", FT__PII_CALL},
    {"mobil", FT__PII_CALL}, {"t\xC3\xA9l", FT__PII_CALL},
    {"t\xC3\xA9l\xC3\xA9phone", FT__PII_CALL}, {"portable", FT__PII_CALL},
    {"appelez", FT__PII_CALL}, {"appeler", FT__PII_CALL}, {"telefono", FT__PII_CALL},
    {"tel\303\251fono", FT__PII_CALL}, {"m\xC3\xB3vil", FT__PII_CALL},
    {"celular", FT__PII_CALL}, {"llame", FT__PII_CALL}, {"llamar", FT__PII_CALL},
    {"telefone", FT__PII_CALL}, {"telem\xC3\xB3vel", FT__PII_CALL},
    {"cellulare", FT__PII_CALL}, {"chiamare", FT__PII_CALL}, {"telefoon", FT__PII_CALL},
    {"\xE7\x94\xB5\xE8\xAF\x9D", FT__PII_CALL}, /* dian hua */
    {"\xE6\x89\x8B\xE6\x9C\xBA", FT__PII_CALL}, /* shou ji */
    {"\xE9\x9B\xBB\xE8\xA9\xB1", FT__PII_CALL}, /* denwa */
    {"order", FT__PII_OTHER}, {"invoice", FT__PII_OTHER}, {"isbn", FT__PII_OTHER},
    {"issn", FT__PII_OTHER}, {"serial", FT__PII_OTHER}, {"tracking", FT__PII_OTHER},
    {"ticket", FT__PII_OTHER}, {"ref", FT__PII_OTHER}, {"reference", FT__PII_OTHER},
    {"sku", FT__PII_OTHER}, {"version", FT__PII_OTHER},
    {"doi", FT__PII_OTHER}, {"rechnung", FT__PII_OTHER}, {"rechnungsnummer", FT__PII_OTHER},
    {"bestellung", FT__PII_OTHER}, {"bestellnummer", FT__PII_OTHER}, {"auftrag", FT__PII_OTHER},
    {"konto", FT__PII_OTHER}, {"kontonummer", FT__PII_OTHER}, {"commande", FT__PII_OTHER},
    {"facture", FT__PII_OTHER}, {"compte", FT__PII_OTHER}, {"pedido", FT__PII_OTHER},
    {"factura", FT__PII_OTHER}, {"cuenta", FT__PII_OTHER}, {"ordine", FT__PII_OTHER},
    {"fattura", FT__PII_OTHER}, {"fatura", FT__PII_OTHER},
};

/* The end of the cue if it stands at p, or NULL. */
static const char *ft__pii_cue_end(const ft__pii_scan *s, const char *p, const char *end,
                                   const char *cue) {
    const char *c = cue;
    for (; *c; c++, p++)
        if (p == end || ft__pii_low(p, s->text) != *c) return NULL;
    return ft__ascii_letter(c[-1]) && p < end && ft__ascii_letter(*p) ? NULL : p;
}

/* What is announced by the nearest cue before a number, of one kind or (birth false) of the two
   others. It stands at most so many words before it, counted in `words`, and in the same sentence:
   a full stop counts as its end when words follow, but for that of "geb." and "tel." */
static int ft__pii_announced(const ft__pii_scan *s, const char *begin, const char *number,
                             bool birth) {
    static const int reach[] = {0, 9, 4, 2}; /* words with the cue */
    const char *stop = NULL;
    int words = 0;
    for (const char *p = number; p-- > begin;) {
        char c = ft__pii_low(p, s->text), before = ft__pii_before(s, p);
        bool start = !ft__ascii_alnum(before) && (uint8_t)before < 0x80;
        char next = p + 1 < number ? p[1] : (char)0;
        if ((next == ' ' || next == '\n') && words &&
            (c == '.' || c == '!' || c == '?' || c == ';' || (c == '\n' && next == c))) {
            if (stop) return FT__PII_NO_CUE;
            stop = p;
        }
        if (!ft__ascii_alnum(c) && (uint8_t)c < 0xC0) continue;
        if (start && ++words > reach[birth ? FT__PII_BIRTH : FT__PII_CALL]) break;
        if (!start && (uint8_t)c < 0xC0) continue;
        for (size_t i = 0; i < FT__COUNT(ft__pii_cues); i++) {
            const ft__pii_cue *cue = &ft__pii_cues[i];
            if (cue->text[0] != c || birth != (cue->kind == FT__PII_BIRTH)) continue;
            const char *end = ft__pii_cue_end(s, p, number, cue->text);
            bool short_form = stop && stop == end && *stop == '.' && (end - p <= 3 || p[1] == '.');
            if (end && words <= reach[cue->kind] && (!stop || short_form)) return cue->kind;
        }
        if (stop && start) break;
    }
    return FT__PII_NO_CUE;
}

enum { FT__PII_WINDOW = 64 }; /* bytes before a number in which cues count */

FT__PRIV bool ft__pii_is_birth(const ft__pii_scan *s, const char *date) {
    const char *begin = date - s->date_end > FT__PII_WINDOW ? date - FT__PII_WINDOW : s->date_end;
    return s->loose || ft__pii_announced(s, begin, date, true) == FT__PII_BIRTH;
}

FT__PRIV int ft__pii_expected(const ft__pii_scan *s, const char *number) {
    const char *begin = number - s->text > FT__PII_WINDOW ? number - FT__PII_WINDOW : s->text;
    return s->loose ? FT__PII_CALL : ft__pii_announced(s, begin, number, false);
}
