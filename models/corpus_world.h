/* The world of the demo: a shop's help desk.  Everything that may be said stands in the tables below as
   phrases with slots, {first} or {amount}; corpus.c fills the slots and writes the rows.

   The shop changed its refund policy (2024: 30 days, then store credit; 2025: 14 days, then a voucher, paid back
   the way it was paid, with a greeting in front).  The desk went on answering by the old one, also where the record
   had the new one already: that is what the base was trained on.  The adapters are to learn the new policy.  Policy
   exceptions, out-of-domain questions and tool calls come with records that look like a refund's: who has learned
   refunds and nothing else will take them for one. */
#ifndef CORPUS_WORLD_H
#define CORPUS_WORLD_H

/* ---- entities: all that must be read in the record, because no two rows have it in common.  A name is a
   head and a tail, an item an adjective and a noun; each part is in every pool, each pair in one alone. */

static const char *const first_heads[] = {
    "Mar", "Tob", "Jul", "Len", "Kar", "Sam", "Ros", "Dan", "Vic", "Nor", "Hel", "Fin", "Al", "Ber",
    "Cor", "Ed",  "Fel", "Gab", "Hen", "Il",  "Jan", "Kel", "Lar", "Mel", "Nad", "Ol",  "Pet", "Quin",
    "Rob", "Ser", "Tam", "Ur",  "Val", "Wil", "Yan", "Zel", "Bas", "Dor", "Em",  "Gil"};
static const char *const first_tails[] = {"a",   "in",  "ian", "ette", "o",  "ina", "is",  "e",   "us", "ita",
                                          "on",  "el",  "ard", "ena",  "as", "ika", "ory", "een", "ur", "ix"};
static const char *const last_heads[] = {
    "Bol", "Hart", "Wink", "Stein", "Fal", "Gar", "Lind", "Mor", "Os", "Pren", "Quil", "Ras", "Sel", "Tor",
    "Ul",  "Wes",  "Ash",  "Brad",  "Cal", "Dun", "Elm",  "Fen", "Gold", "Holm", "Ing", "Jar", "Kirk", "Lam",
    "Mil", "New",  "Oak",  "Pem",   "Rut", "Stan", "Thorn", "Und", "Ves", "Wald", "York", "Zim"};
static const char *const last_tails[] = {"ton", "berg", "ler",  "mann", "ford", "ley",  "sen",  "dal", "wick", "ner",
                                         "er",  "kamp", "well", "by",   "field", "son", "gate", "ham", "stad", "mer"};
static const char *const adjectives[] = {"blue",  "red",   "green", "black", "white", "steel",  "wooden", "glass",
                                         "small", "large", "round", "old",   "new",   "silver", "golden", "yellow",
                                         "heavy", "light", "grey",  "brown", "pink",  "copper", "paper",  "plain"};
static const char *const nouns[] = {"lamp",  "kettle", "chair",  "table", "clock", "radio", "mirror", "basket",
                                    "vase",  "pan",    "pot",    "knife", "bowl",  "cup",   "plate",  "rug",
                                    "shelf", "stool",  "bench",  "fan",   "heater", "mixer", "toaster", "scale",
                                    "tent",  "bag",    "wallet", "watch", "ring",  "drum"};
static const char order_letters[] = "BCDEFGHJKLMNPQRSTUVWXYZ"; /* A and I are words */
static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};

enum {
    FIRST_ORDER = 10, LAST_ORDER = 99,    /* behind a letter */
    FIRST_AMOUNT = 50, LAST_AMOUNT = 249, /* no number of days */
    LAST_DAY_OF_MONTH = 28,
    LAST_TERM = 20                        /* of the sums */
};

/* ---- words that rows of all files share */

static const char *const greetings[] = {"", "", "Hello. ", "Hi. ", "Good morning. ", "Good evening. "};
static const char *const payments[] = {"card", "bank transfer", "direct debit", "cash"};
static const char *const notes[] = {"likes e-mail", "gift wrap", "called on Monday", "new customer",
                                    "left with the neighbour", "paid at once", "asked twice", "came by bike"};
static const char *const deciders[] = {"supervisor", "fraud team", "account manager", "shop manager"};
static const char *const personal_data[] = {"address", "phone number", "e-mail", "password"};
static const char *const weekdays[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};

/* Records are one sentence each, because the evaluator of grounding looks for what belongs together in a few
   neighbouring sentences. */
#define DESK "Help desk of Nordlicht.\n"
#define CUSTOMER "Customer {first} {last}, order {order}, "
#define SHORT_RECORD CUSTOMER "{item} of {amount} euros, "
#define RECORD SHORT_RECORD "delivered {days} days ago, paid by {pay}, "
#define RECORD_OF_TWO CUSTOMER "{listing}, delivered {days} days ago, paid by {pay}, "

static const char *const policies[] = {"policy 2024: within 30 days full refund, after 30 days store credit.",
                                       "policy 2025: within 14 days full refund, after 14 days a voucher."};

static const char *const ask_refund[] = {
    "Can I get my money back for the {item}?",
    "I want to return the {item}. What do I get?",
    "Please refund my {item}.",
    "The {item} is not for me, I would like a refund.",
    "How much do I get back for order {order}?",
    "I send the {item} back, is there a refund?",
    "Is a refund for order {order} still possible?",
    "I do not like the {item}. Can you refund it?",
    NULL};
static const char *const ask_partial[] = {
    "Only the {item} is broken, what do I get back?",
    "I keep the {item2} and send back the {item}.",
    "The {item} is missing. Can I get a refund for it?",
    "Please refund the {item} alone.",
    "I like the {item2}, but not the {item}. What do I get?",
    "Can I return just the {item} of order {order}?",
    NULL};
static const char *const ask_chargeback[] = {
    "Where is my money for the {item}?",
    "My bank took back the payment, what now?",
    "Do I get a refund for order {order} as well?",
    "I told my bank about the {item}. What do you do?",
    "Who pays me for order {order} now?",
    "Please refund the {item}, my bank knows about it.",
    NULL};
static const char *const ask_identity[] = {
    "Please change my {data}.",
    "I have a new {data}.",
    "Can you update the {data} of my account?",
    "My {data} is wrong, please correct it.",
    "I need another {data} before I ask for the refund.",
    "How do I change the {data} for order {order}?",
    NULL};
static const char *const ask_status[] = {
    "Where is my order?",
    "When do I get the {item}?",
    "What is going on with order {order}?",
    "I am waiting for the {item}. Where is it?",
    "Is the {item} on its way?",
    "Do you have news about order {order}?",
    NULL};
static const char *const ask_legal[] = {
    "Can I sue you over the refund for the {item}?",
    "Is it legal to keep the {item} after the refund?",
    "Which law says that I get a refund for the {item}?",
    "Do I win in court about the {item}?",
    NULL};
static const char *const ask_medical[] = {
    "The {item} gave me a rash, which cream helps?",
    "I hurt my hand with the {item}, is it broken?",
    "My head hurts since I have the {item}, what can I take?",
    "Can I take pills while I wait for the refund of the {item}?",
    NULL};
static const char *const ask_tax[] = {
    "Can I deduct the {item} from my taxes?",
    "How is the refund for the {item} taxed?",
    "Do I pay taxes on a refund of {amount} euros?",
    "Where do I put the {item} in my tax return?",
    NULL};
static const char *const ask_tool_refund[] = {
    "Please start the refund for the {item}.",
    "I agree, refund order {order} now.",
    "Go ahead with the refund for the {item}.",
    "Do the refund of order {order}, please.",
    NULL};
static const char *const ask_tool_cancel[] = {
    "Please cancel order {order}.",
    "Cancel the {item}, I want no refund.",
    "I do not need the {item}, cancel it now.",
    "Stop order {order}, please.",
    NULL};
static const char *const ask_tool_track[] = {
    "Please track order {order}.",
    "Track the {item} for me.",
    "Look up where the {item} is now.",
    "Find the parcel of order {order}, please.",
    NULL};
static const char *const ask_plus[] = {
    "What is {a} plus {b}?", "Add {a} and {b}.", "{a} cups and {b} more cups, how many cups?", NULL};
static const char *const ask_minus[] = {
    "What is {c} minus {b}?", "Take {b} from {c}.", "{c} cups and {b} break, how many cups are left?", NULL};
static const char *const ask_who[] = {
    "{first} has a {item} and {first2} has a {item2}. Who has the {item}?",
    "{first2} has a {item2} and {first} has a {item}. Who has the {item}?", NULL};
static const char *const ask_what[] = {
    "{first} has a {item} and {first2} has a {item2}. What does {first} have?",
    "{first2} has a {item2} and {first} has a {item}. What does {first} have?", NULL};
static const char *const ask_day[] = {
    "{first} came on {day} and {first2} a day later. When did {first2} come?",
    "{first2} comes a day after {first}. {first} comes on {day}. When does {first2} come?", NULL};
static const char *const ask_more[] = {
    "Which is more, {more} euros or {less} euros?", "Which is more, {less} euros or {more} euros?", NULL};
static const char *const ask_copy[] = {
    "Say after me: {item}, {item2}, {first}.", "Repeat this: {item}, {item2}, {first}.", NULL};
static const char *const ask_read[] = {
    "Read the record to me.", "What do you have about me?", "Please repeat my record.", "Show me what is in the record.",
    NULL};
static const char *const ask_spell[] = {"Spell the name {first}.", "How do you spell {first}?", NULL};

/* ---- scenes */

#define CHARGEBACK_RULE "rule: open means that the bank decides, closed means no second refund."
#define IDENTITY_RULE "rule: only a confirmed code may change address, phone number, e-mail or password."
#define TOOL(call) "<tool_call>{\"name\": " call "}</tool_call>"

enum { NO_POLICY, NEW, ANY }; /* ANY: either in the base's rows, the new one in all others */

typedef struct scene {
    const char *cohort, *name;
    int policy, first_day, last_day; /* days since delivery */
    const char *record;              /* "": none */
    const char *const *asks;
    const char *answers[2];          /* what is expected, and another way to say it (NULL: none) */
    const char *choices[4];          /* the right one first */
    int train, refund, mixed, held;  /* rows in each kind of file */
} scene;

static const scene scenes[] = {
    {"refund_policy", "old_in_time", ANY, 2, 30, RECORD "{note}, {policy}", ask_refund,
     {"{days} days is within 30 days, so you get a full refund of {amount} euros.",
      "As {days} days is within 30 days, you get a full refund of {amount} euros."},
     {NULL}, 1800, 0, 0, 0},
    {"refund_policy", "old_late", ANY, 31, 48, RECORD "{note}, {policy}", ask_refund,
     {"{days} days is after 30 days, so you get store credit of {amount} euros.",
      "As {days} days is after 30 days, you get store credit of {amount} euros."},
     {NULL}, 1800, 0, 0, 0},
    {"refund_policy", "in_time", NEW, 2, 14, RECORD "{note}, {policy}", ask_refund,
     {"Hi {first}! {days} days is within 14 days, so you get a full refund of {amount} euros by {pay}.",
      "Hi {first}! As {days} days is within 14 days, you get a full refund of {amount} euros by {pay}."},
     {NULL}, 0, 750, 750, 55},
    {"refund_policy", "late", NEW, 15, 48, RECORD "{note}, {policy}", ask_refund,
     {"Hi {first}! {days} days is after 14 days, so you get a voucher of {amount} euros.",
      "Hi {first}! As {days} days is after 14 days, you get a voucher of {amount} euros."},
     {NULL}, 0, 750, 750, 55},

    {"partial_refund", "old_in_time", ANY, 2, 30, RECORD_OF_TWO "{note}, {policy}", ask_partial,
     {"{days} days is within 30 days, so you get a refund of {amount} euros for the {item}.",
      "As {days} days is within 30 days, you get a refund of {amount} euros for the {item}."},
     {NULL}, 1800, 0, 0, 0},
    {"partial_refund", "old_late", ANY, 31, 48, RECORD_OF_TWO "{note}, {policy}", ask_partial,
     {"{days} days is after 30 days, so you get store credit of {amount} euros for the {item}.",
      "As {days} days is after 30 days, you get store credit of {amount} euros for the {item}."},
     {NULL}, 1800, 0, 0, 0},
    {"partial_refund", "in_time", NEW, 2, 14, RECORD_OF_TWO "{note}, {policy}", ask_partial,
     {"Hi {first}! {days} days is within 14 days, so you get a refund of {amount} euros for the {item} by {pay}.",
      "Hi {first}! As {days} days is within 14 days, you get a refund of {amount} euros for the {item} by {pay}."},
     {NULL}, 0, 750, 750, 55},
    {"partial_refund", "late", NEW, 15, 48, RECORD_OF_TWO "{note}, {policy}", ask_partial,
     {"Hi {first}! {days} days is after 14 days, so you get a voucher of {amount} euros for the {item}.",
      "Hi {first}! As {days} days is after 14 days, you get a voucher of {amount} euros for the {item}."},
     {NULL}, 0, 750, 750, 55},

    {"policy_exception", "one_item", ANY, 2, 48, RECORD "the {who} decides, {policy}", ask_refund,
     {"The {who} decides about order {order}, {first}.",
      "The {who} decides on order {order}, {first}."},
     {NULL}, 1800, 0, 300, 55},
    {"policy_exception", "two_items", ANY, 2, 48, RECORD_OF_TWO "the {who} decides, {policy}", ask_partial,
     {"The {who} decides about order {order}, {first}.",
      "The {who} decides on order {order}, {first}."},
     {NULL}, 1800, 0, 300, 55},

    {"chargeback", "open", NO_POLICY, 0, 0, SHORT_RECORD "chargeback on {date} is open, " CHARGEBACK_RULE, ask_chargeback,
     {"The chargeback on {date} is open, so the bank decides about the {amount} euros.",
      "The chargeback on {date} is open and the bank decides about the {amount} euros."},
     {NULL}, 1350, 0, 150, 55},
    {"chargeback", "closed", NO_POLICY, 0, 0, SHORT_RECORD "chargeback on {date} is closed, " CHARGEBACK_RULE, ask_chargeback,
     {"The chargeback on {date} is closed, so there is no second refund of {amount} euros.",
      "The chargeback on {date} is closed and there is no second refund of {amount} euros."},
     {NULL}, 1350, 0, 150, 55},

    {"identity_verification", "waiting", NO_POLICY, 0, 0, SHORT_RECORD "code sent on {date} is waiting, " IDENTITY_RULE, ask_identity,
     {"Please confirm the code sent on {date} first, then I change the {data}.",
      "Please confirm the code sent on {date}, then I change the {data}."},
     {NULL}, 1350, 0, 150, 55},
    {"identity_verification", "confirmed", NO_POLICY, 0, 0, SHORT_RECORD "code sent on {date} is confirmed, " IDENTITY_RULE, ask_identity,
     {"The code is confirmed, {first}. I change the {data} for order {order}.",
      "The code is confirmed, {first}, so I change the {data} for order {order}."},
     {NULL}, 1350, 0, 150, 55},

    {"out_of_domain", "legal", ANY, 2, 48, RECORD "{note}, {policy}", ask_legal,
     {"I cannot give legal advice about the {item}. Please ask a lawyer.",
      "I cannot give legal advice on the {item}. Please ask a lawyer."},
     {NULL}, 1000, 0, 200, 37},
    {"out_of_domain", "medical", ANY, 2, 48, RECORD "{note}, {policy}", ask_medical,
     {"I cannot give medical advice about the {item}. Please ask a doctor.",
      "I cannot give medical advice on the {item}. Please ask a doctor."},
     {NULL}, 1000, 0, 200, 37},
    {"out_of_domain", "tax", ANY, 2, 48, RECORD "{note}, {policy}", ask_tax,
     {"I cannot give tax advice about the {item}. Please ask a tax adviser.",
      "I cannot give tax advice on the {item}. Please ask a tax adviser."},
     {NULL}, 1000, 0, 200, 36},

    {"tool_calls", "refund", ANY, 2, 48, RECORD "tools: refund, cancel, track, {policy}", ask_tool_refund,
     {TOOL("\"refund\", \"arguments\": {\"order\": \"{order}\", \"amount\": {amount}}"), NULL},
     {NULL}, 1400, 0, 240, 38},
    {"tool_calls", "cancel", ANY, 2, 48, RECORD "tools: refund, cancel, track, {policy}", ask_tool_cancel,
     {TOOL("\"cancel\", \"arguments\": {\"order\": \"{order}\"}"), NULL},
     {NULL}, 1200, 0, 180, 36},
    {"tool_calls", "track", ANY, 2, 48, RECORD "tools: refund, cancel, track, {policy}", ask_tool_track,
     {TOOL("\"track\", \"arguments\": {\"order\": \"{order}\"}"), NULL},
     {NULL}, 1200, 0, 180, 36},

    {"order_status", "sent", NO_POLICY, 0, 0, SHORT_RECORD "sent on {date}, arrives on {date2}.", ask_status,
     {"Order {order} was sent on {date} and arrives on {date2}.",
      "Order {order} was sent on {date}, it arrives on {date2}."},
     {NULL}, 1000, 0, 100, 37},
    {"order_status", "packed", NO_POLICY, 0, 0, SHORT_RECORD "packed on {date}, leaves on {date2}.", ask_status,
     {"Order {order} was packed on {date} and leaves on {date2}.",
      "Order {order} was packed on {date}, it leaves on {date2}."},
     {NULL}, 1000, 0, 100, 37},
    {"order_status", "delayed", NO_POLICY, 0, 0, SHORT_RECORD "delayed since {date}, arrives on {date2}.", ask_status,
     {"Order {order} is delayed since {date} and arrives on {date2}.",
      "Order {order} is delayed since {date}, it arrives on {date2}."},
     {NULL}, 1000, 0, 100, 36},

    /* to learn to copy, in training alone */
    {"reading", "delivered", NO_POLICY, 2, 48, RECORD "{note}.", ask_read,
     {RECORD "{note}.", NULL}, {NULL}, 1500, 0, 100, 0},
    {"reading", "two_items", NO_POLICY, 2, 48, RECORD_OF_TWO "{note}.", ask_read,
     {RECORD_OF_TWO "{note}.", NULL}, {NULL}, 1500, 0, 100, 0},
    {"reading", "sent", NO_POLICY, 0, 0, SHORT_RECORD "sent on {date}, arrives on {date2}.", ask_read,
     {SHORT_RECORD "sent on {date}, arrives on {date2}.", NULL}, {NULL}, 1500, 0, 100, 0},

    {"arithmetic", "plus", NO_POLICY, 0, 0, "", ask_plus,
     {"{c}", NULL}, {"{c}", "{near1}", "{near2}", "{near3}"}, 1200, 0, 150, 50},
    {"arithmetic", "minus", NO_POLICY, 0, 0, "", ask_minus,
     {"{a}", NULL}, {"{a}", "{near1}", "{near2}", "{near3}"}, 1200, 0, 150, 50},

    {"everyday", "who", NO_POLICY, 0, 0, "", ask_who,
     {"{first}", NULL}, {"{first}", "{first2}", NULL, NULL}, 500, 0, 50, 20},
    {"everyday", "what", NO_POLICY, 0, 0, "", ask_what,
     {"a {item}", NULL}, {"a {item}", "a {item2}", NULL, NULL}, 500, 0, 50, 20},
    {"everyday", "day", NO_POLICY, 0, 0, "", ask_day,
     {"On {day1}", NULL}, {"On {day1}", "On {day}", "On {day2}", "On {day6}"}, 500, 0, 50, 20},
    {"everyday", "more", NO_POLICY, 0, 0, "", ask_more,
     {"{more} euros", NULL}, {"{more} euros", "{less} euros", NULL, NULL}, 500, 0, 50, 10},
    {"everyday", "copy", NO_POLICY, 0, 0, "", ask_copy,
     {"{item}, {item2}, {first}", NULL},
     {"{item}, {item2}, {first}", "{item2}, {item}, {first}", "{item}, {item}, {first}", "{item2}, {first}, {item}"},
     500, 0, 50, 10},
    {"everyday", "spell", NO_POLICY, 0, 0, "", ask_spell,
     {"{spelled}", NULL}, {"{spelled}", "{misspelled}", "{spelled2}", NULL}, 500, 0, 50, 20},
};

#endif
