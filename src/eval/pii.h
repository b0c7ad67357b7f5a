/* What the rooms of personal data share: pii.c scans a text, pii_cues.c reads the words before a
   number, pii_net.c knows the addresses of people and machines, pii_numbers.c cards, bank accounts
   and telephone numbers, pii_dates.c dates. */
#ifndef FT__PII_H
#define FT__PII_H

#include "eval.h"

typedef enum ft__pii_type {
    FT__PII_EMAIL, FT__PII_PHONE, FT__PII_CREDIT_CARD, FT__PII_IBAN, FT__PII_US_SSN,
    FT__PII_IPV4, FT__PII_IPV6, FT__PII_DATE_OF_BIRTH, FT__PII_TYPES,
    FT__PII_NONE = FT__PII_TYPES /* something else, which is passed over as a whole */
} ft__pii_type;

typedef struct ft__pii_scan {
    const char *text, *end;
    const char *at;       /* where to look on */
    const char *free;     /* nothing begins before: the end of what was recognised last */
    const char *date_end; /* of the last date: the cue before it is used up */
    bool loose;           /* dates and telephone numbers need no cue */
} ft__pii_scan;

typedef struct ft__pii_span {
    ft__pii_type type;
    const char *begin, *end;
} ft__pii_span;

/* ---- pii.c */

/* The character at p, or before it; 0 where there is none. */
static inline char ft__pii_at(const ft__pii_scan *s, const char *p) { return p < s->end ? *p : 0; }
static inline char ft__pii_before(const ft__pii_scan *s, const char *p) {
    return p > s->text ? p[-1] : 0;
}
/* How many digits there are from p on, and the value of the first n. */
FT__PRIV size_t ft__pii_digits(const ft__pii_scan *s, const char *p);
FT__PRIV int ft__pii_number(const char *p, size_t n);
/* May a number begin here: not within a word, nor after "3." or "2026-" or "#". */
FT__PRIV bool ft__pii_opens(const ft__pii_scan *s, const char *p);
/* May it end here: not within a word or an address, nor before "-2026". */
FT__PRIV bool ft__pii_closes(const ft__pii_scan *s, const char *p);
/* Lower case of ASCII and of the Latin-1 letters, whose second byte comes after C3. */
FT__PRIV char ft__pii_low(const char *p, const char *text);

/* ---- pii_cues.c */

enum { FT__PII_NO_CUE, FT__PII_BIRTH, FT__PII_CALL, FT__PII_OTHER };
FT__PRIV bool ft__pii_is_birth(const ft__pii_scan *s, const char *date);
/* A telephone number, something else, or nothing in particular. */
FT__PRIV int ft__pii_expected(const ft__pii_scan *s, const char *number);

/* ---- finders.  Each fills the span with what is at p and around it; the type FT__PII_NONE means
   that it has the shape of one, but is none. */

/* pii_net.c: at '@', at a digit, at a digit or ':' */
FT__PRIV bool ft__pii_email(const ft__pii_scan *s, const char *at, ft__pii_span *span);
FT__PRIV bool ft__pii_ipv4(const ft__pii_scan *s, const char *p, ft__pii_span *span);
FT__PRIV bool ft__pii_ipv6(const ft__pii_scan *s, const char *at, ft__pii_span *span);
/* pii_numbers.c: at the first of some digits; of an IBAN, at the check digits */
FT__PRIV bool ft__pii_iban(const ft__pii_scan *s, const char *p, ft__pii_span *span);
FT__PRIV bool ft__pii_card(const ft__pii_scan *s, const char *p, ft__pii_span *span);
FT__PRIV bool ft__pii_ssn(const ft__pii_scan *s, const char *p, ft__pii_span *span);
FT__PRIV bool ft__pii_phone(const ft__pii_scan *s, const char *p, ft__pii_span *span);
/* pii_dates.c: at the first of some digits */
FT__PRIV bool ft__pii_date(ft__pii_scan *s, const char *p, ft__pii_span *span);

#endif /* FT__PII_H */
