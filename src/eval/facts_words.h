/* English words for facts_lexicon.c: what they are, which mean nearly the same and which the
   opposite. */
#ifndef FT__FACTS_WORDS_H
#define FT__FACTS_WORDS_H

#include "facts_read.h"

typedef struct ft__facts_row {
    const char *words;
    uint32_t flags;
    double value; /* of a number; how many base units a unit has */
    int dim;
} ft__facts_row;

#define FT__STOP  (FT__WORD_EXACT | FT__WORD_KNOWN | FT__WORD_STOP)
#define FT__NUM   (FT__WORD_EXACT | FT__WORD_KNOWN | FT__WORD_NUMBER)
#define FT__EVEN  (FT__NUM | FT__WORD_SOFT)
#define FT__UNIT  (FT__WORD_EXACT | FT__WORD_KNOWN | FT__WORD_UNIT)
#define FT__MONTH (FT__WORD_EXACT | FT__WORD_KNOWN | FT__WORD_MONTH)
#define FT__DAY   (FT__WORD_EXACT | FT__WORD_KNOWN | FT__WORD_DAY)

/* Of two rows with the same word the first one has it, here and below. */
static const ft__facts_row ft__facts_rows[] = {
    /* words without content */
    {"the an of in to for on at by with from into as than then so such there here some any "
     "each every own other another same too very also even still yet just only already "
     "quite rather much many more most less least several various own per upon within "
     "toward towards via among amongst between through throughout during under over above "
     "below off out up down about against along around both whole all itself himself "
     "herself themselves themself myself yourself ourselves onto etc eg ie dr mr mrs ms "
     "prof sir please sure ok okay yes well now indeed however therefore thus hence "
     "moreover furthermore additionally meanwhile overall finally generally usually "
     "typically often sometimes respectively merely solely necessarily especially "
     "particularly mainly once again ago later soon forth instead otherwise initially "
     "originally currently recently actually simply really", FT__STOP, 0, 0},
    {"a", FT__STOP, 1, 0},
    {"is are was were be been being am has have had having do does did doing can could may "
     "might must shall should will would ought", FT__STOP | FT__WORD_VERB, 0, 0},
    {"i you we your our my me us yours ours mine one's", FT__STOP | FT__WORD_SUBJECT, 0, 0},
    {"he she it they", FT__STOP | FT__WORD_SUBJECT | FT__WORD_REFERS, 0, 0},
    {"his her its their him them hers theirs this these those", FT__STOP | FT__WORD_REFERS, 0, 0},
    {"that who which whose whom what where how why", FT__STOP | FT__WORD_ASKS, 0, 0},
    {"when", FT__STOP | FT__WORD_ASKS | FT__WORD_CLAUSE, 0, 0},
    {"but although though whereas while because since if whether nevertheless nonetheless",
     FT__STOP | FT__WORD_CLAUSE, 0, 0},
    {"until till unless", FT__STOP | FT__WORD_CLAUSE | FT__WORD_UNTIL, 0, 0},
    {"and or plus", FT__STOP | FT__WORD_AND, 0, 0},
    {"without", FT__STOP | FT__WORD_NOT | FT__WORD_CLAUSE, 0, 0},
    {"not no never cannot cant dont doesnt didnt wont wasnt arent nobody none nothing "
     "nowhere neither nor hardly barely scarcely non unable lack lacks lacked lacking fail "
     "fails failed waive waived waives exempt", FT__STOP | FT__WORD_NOT, 0, 0},
    {"except excluding excludes exclude excluded",
     FT__STOP | FT__WORD_CLAUSE | FT__WORD_NOT | FT__WORD_EXCEPT, 0, 0},
    {"approximately roughly nearly almost circa approx", FT__STOP | FT__WORD_ABOUT, 0, 0},
    /* numbers */
    {"zero", FT__NUM, 0, 0}, {"one", FT__EVEN, 1, 0}, {"two", FT__NUM, 2, 0},
    {"three", FT__NUM, 3, 0}, {"four", FT__NUM, 4, 0}, {"five", FT__NUM, 5, 0},
    {"six", FT__NUM, 6, 0}, {"seven", FT__NUM, 7, 0}, {"eight", FT__NUM, 8, 0},
    {"nine", FT__NUM, 9, 0}, {"ten", FT__NUM, 10, 0}, {"eleven", FT__NUM, 11, 0},
    {"twelve", FT__NUM, 12, 0}, {"thirteen", FT__NUM, 13, 0}, {"fourteen", FT__NUM, 14, 0},
    {"fifteen", FT__NUM, 15, 0}, {"sixteen", FT__NUM, 16, 0}, {"seventeen", FT__NUM, 17, 0},
    {"eighteen", FT__NUM, 18, 0}, {"nineteen", FT__NUM, 19, 0}, {"twenty", FT__NUM, 20, 0},
    {"thirty", FT__NUM, 30, 0}, {"forty fourty", FT__NUM, 40, 0}, {"fifty", FT__NUM, 50, 0},
    {"sixty", FT__NUM, 60, 0}, {"seventy", FT__NUM, 70, 0}, {"eighty", FT__NUM, 80, 0},
    {"ninety", FT__NUM, 90, 0}, {"hundred", FT__NUM | FT__WORD_SCALE, 100, 0},
    {"thousand k", FT__NUM | FT__WORD_SCALE, 1e3, 0},
    {"million mn mio", FT__NUM | FT__WORD_SCALE, 1e6, 0},
    {"billion bn", FT__NUM | FT__WORD_SCALE, 1e9, 0},
    {"trillion tn", FT__NUM | FT__WORD_SCALE, 1e12, 0},
    {"first", FT__EVEN | FT__WORD_STOP, 1, FT__DIM_ORDINAL},
    {"second", FT__EVEN, 2, FT__DIM_ORDINAL}, {"third", FT__NUM, 3, FT__DIM_ORDINAL},
    {"fourth", FT__NUM, 4, FT__DIM_ORDINAL}, {"fifth", FT__NUM, 5, FT__DIM_ORDINAL},
    {"sixth", FT__NUM, 6, FT__DIM_ORDINAL}, {"seventh", FT__NUM, 7, FT__DIM_ORDINAL},
    {"eighth", FT__NUM, 8, FT__DIM_ORDINAL}, {"ninth", FT__NUM, 9, FT__DIM_ORDINAL},
    {"tenth", FT__NUM, 10, FT__DIM_ORDINAL}, {"eleventh", FT__NUM, 11, FT__DIM_ORDINAL},
    {"twelfth", FT__NUM, 12, FT__DIM_ORDINAL}, {"fifteenth", FT__NUM, 15, FT__DIM_ORDINAL},
    {"sixteenth", FT__NUM, 16, FT__DIM_ORDINAL}, {"seventeenth", FT__NUM, 17, FT__DIM_ORDINAL},
    {"eighteenth", FT__NUM, 18, FT__DIM_ORDINAL}, {"nineteenth", FT__NUM, 19, FT__DIM_ORDINAL},
    {"twentieth", FT__NUM, 20, FT__DIM_ORDINAL}, {"half", FT__EVEN, 50, FT__DIM_PERCENT},
    {"quarter", FT__EVEN, 25, FT__DIM_PERCENT}, {"pair couple twice twins", FT__EVEN, 2, 0},
    {"dozen", FT__EVEN, 12, 0}, {"triple trio thrice", FT__EVEN, 3, 0},
    {"noon midday", FT__EVEN, 720, FT__DIM_CLOCK}, {"midnight", FT__EVEN, 0, FT__DIM_CLOCK},
    /* units */
    {"percent pct percentage", FT__UNIT, 1, FT__DIM_PERCENT},
    {"seconds secs sec", FT__UNIT, 1, FT__DIM_SECONDS},
    {"minute minutes min mins", FT__UNIT, 60, FT__DIM_SECONDS},
    {"hour hours hr hrs h", FT__UNIT, 3600, FT__DIM_SECONDS},
    {"day days", FT__UNIT, 86400, FT__DIM_SECONDS},
    {"week weeks", FT__UNIT, 604800, FT__DIM_SECONDS},
    {"fortnight fortnights", FT__UNIT, 1209600, FT__DIM_SECONDS},
    {"month months", FT__UNIT, 1, FT__DIM_MONTHS},
    {"year years yr yrs", FT__UNIT, 12, FT__DIM_MONTHS},
    {"decade decades", FT__UNIT, 120, FT__DIM_MONTHS},
    {"century centuries", FT__UNIT, 1200, FT__DIM_MONTHS},
    {"mm millimetre millimetres millimeter millimeters", FT__UNIT, 0.001, FT__DIM_METRES},
    {"cm cm2 cm3 centimetre centimetres centimeter centimeters", FT__UNIT, 0.01, FT__DIM_METRES},
    {"m m2 m3 metre metres meter meters", FT__UNIT, 1, FT__DIM_METRES},
    {"km km2 km3 kilometre kilometres kilometer kilometers", FT__UNIT, 1000, FT__DIM_METRES},
    {"mile miles", FT__UNIT, 1609.344, FT__DIM_METRES},
    {"feet foot ft", FT__UNIT, 0.3048, FT__DIM_METRES},
    {"inch inches", FT__UNIT, 0.0254, FT__DIM_METRES},
    {"mcg microgram micrograms", FT__UNIT, 1e-6, FT__DIM_GRAMS},
    {"mg milligram milligrams", FT__UNIT, 0.001, FT__DIM_GRAMS},
    {"g gram grams", FT__UNIT, 1, FT__DIM_GRAMS},
    {"kg kilo kilos kilogram kilograms", FT__UNIT, 1000, FT__DIM_GRAMS},
    {"tonne tonnes ton tons", FT__UNIT, 1e6, FT__DIM_GRAMS},
    {"lb lbs", FT__UNIT, 453.592, FT__DIM_GRAMS},
    {"ml millilitre millilitres milliliter milliliters", FT__UNIT, 0.001, FT__DIM_LITRES},
    {"l litre litres liter liters", FT__UNIT, 1, FT__DIM_LITRES},
    {"kb kilobyte kilobytes", FT__UNIT, 1e3, FT__DIM_BYTES},
    {"mb megabyte megabytes", FT__UNIT, 1e6, FT__DIM_BYTES},
    {"gb gigabyte gigabytes", FT__UNIT, 1e9, FT__DIM_BYTES},
    {"tb terabyte terabytes", FT__UNIT, 1e12, FT__DIM_BYTES},
    {"cent cents", FT__UNIT, 1, FT__DIM_CENT}, {"dollar dollars usd", FT__UNIT, 1, FT__DIM_USD},
    {"euro euros eur", FT__UNIT, 1, FT__DIM_EUR}, {"pound pounds gbp", FT__UNIT, 1, FT__DIM_GBP},
    {"yen jpy", FT__UNIT, 1, FT__DIM_JPY}, {"rupee rupees inr", FT__UNIT, 1, FT__DIM_INR},
    {"franc francs chf", FT__UNIT, 1, FT__DIM_CHF},
    /* months and days */
    {"january jan", FT__MONTH, 1, 0}, {"february feb", FT__MONTH, 2, 0},
    {"march mar", FT__MONTH, 3, 0}, {"april apr", FT__MONTH, 4, 0}, {"june jun", FT__MONTH, 6, 0},
    {"july jul", FT__MONTH, 7, 0}, {"august aug", FT__MONTH, 8, 0},
    {"september sep sept", FT__MONTH, 9, 0}, {"october oct", FT__MONTH, 10, 0},
    {"november nov", FT__MONTH, 11, 0}, {"december dec", FT__MONTH, 12, 0},
    {"monday mondays mon", FT__DAY, 0, 0}, {"tuesday tuesdays tue", FT__DAY, 0, 0},
    {"wednesday wednesdays wed", FT__DAY, 0, 0}, {"thursday thursdays thu", FT__DAY, 0, 0},
    {"friday fridays fri", FT__DAY, 0, 0}, {"saturday saturdays", FT__DAY, 0, 0},
    {"sunday sundays", FT__DAY, 0, 0},
    {"before prior preceding | after afterwards following", FT__STOP | FT__WORD_POLAR, 0, 0},
};
#undef FT__STOP
#undef FT__NUM
#undef FT__EVEN
#undef FT__UNIT
#undef FT__MONTH
#undef FT__DAY

/* Stems on both sides of "|".  Those that the first row has behind it are a verb and "not" in
   one. */
static const char *const ft__facts_opposites[] = {
    "allow permit let enable entitle eligible authorize approve accept grant legal | "
    "forbid forbidden prohibit ban bar reject dismiss refuse decline disallow ineligible "
    "illegal unlawful",
    "available | unavailable", "possible able | impossible",
    "increase rise rose risen grow grew grown growth climb expand raise | decrease fall "
    "fell fallen drop shrink shrank reduce reduction lower cut diminish",
    "open opens opened opening | close closed shut",
    "win won gain beat defeat victory winner | lose lost loss loser",
    "begin began begun start commence launch | end finish conclude stop cease expire",
    "include contain comprise | omit", "price cost fee charge | free complimentary gratis",
    "buy bought purchase | sell sold sale", "safe harmless | unsafe dangerous hazardous harmful",
    "minimum | maximum",
    "high tall higher highest taller tallest | low short lowest shorter shortest",
    "hot warm hotter hottest warmer warmest | cold cool colder coldest cooler chilled "
    "refrigerate refrigerator fridge",
    "large big great larger largest bigger biggest greater greatest | small little tiny "
    "smaller smallest",
    "fast quick rapid prompt faster fastest quicker | slow slower slowest",
    "effective better best | worse worst bad poor ineffective",
    "old elderly older oldest | young new younger youngest newer newest", "valid | invalid void",
    "correct right true accurate | incorrect wrong false inaccurate",
    "optional voluntary | mandatory compulsory obligatory",
    "rare uncommon seldom rarely | common frequent commonly", "arrive arrival | depart departure",
    "import | export", "always | never", "north | south", "east | west",
    "early earlier earliest | late later latest", "strong stronger strongest | weak weaker weakest",
    "expensive | cheap cheaper cheapest", "heavy heavier heaviest | light lighter lightest",
    "long longer longest | brief", "likely | unlikely", "inside indoors | outside outdoors",
    "agree | disagree", "convict guilty | acquit innocent", "continue resume | suspend pause",
    "admit confess | deny",
    "add added adding exist remain introduce | remove delete eliminate abolish",
    "hire | lay laid sack", "upload | download", "temporary | permanent", "internal | external",
    "connect attach | disconnect detach", "visible | invisible", "healthy | sick ill unhealthy",
    "necessary | unnecessary", "king | queen", "son | daughter", "brother | sister",
    "father | mother", "summer | winter", "empty | filled", "dry | wet", "deep | shallow",
    "wide broad | narrow", "same identical equal | different", "morning | evening", "alive | dead",
    "success succeed successful | failure unsuccessful", "profit surplus | deficit",
    "public | private", "positive | negative",
};

/* Stems: nearly the same meaning, and irregular forms. */
static const char *const ft__facts_alike[] = {
    "refund reimburse repay repaid", "money fund cash sum amount",
    "customer client buyer shopper consumer guest", "get got gotten receive obtain acquire",
    "give gave given provide supply offer",
    "send sent ship dispatch deliver delivery shipment shipping mail post",
    "return bring brought back", "item product good article merchandise", "ask request",
    "need require requirement", "help assist support aid", "use utilize utilise employ",
    "make made produce manufacture create", "build built construct erect",
    "found founded founder establish", "write wrote written author writer pen",
    "discover find detect discovery", "show shown shows display demonstrate",
    "say said tell told state announce report declare", "happen occur occurred occurs place",
    "call name title known", "keep kept store retain storage", "take took taken",
    "go went gone travel", "come came", "see saw seen", "know knew", "lead led head run ran",
    "hold held", "leave left", "meet met", "speak spoke spoken talk", "pay paid payment",
    "spend spent", "choose chose chosen select pick", "become became",
    "break broke broken damage defective faulty", "bear born birth", "die died death",
    "teach taught", "think thought", "feel felt", "eat ate eaten food meal", "drink drank drunk",
    "swim swam", "sing sang sung song", "fly flew flown flight", "drive drove driven",
    "sign signed", "company firm business corporation enterprise",
    "worker employee staff personnel", "boss chief executive ceo", "doctor physician",
    "medicine drug medication", "tablet pill", "illness disease sickness", "kid child children",
    "person people individual", "man men male", "woman women female", "house home",
    "flat apartment", "car automobile vehicle", "movie film", "country nation", "town city",
    "area region zone", "war conflict", "law act statute", "contract agreement", "rule regulation",
    "court tribunal", "tenant renter lessee", "landlord lessor",
    "notice notify notification inform", "cancel terminate termination cancellation",
    "guarantee warranty warrant", "repair fix mend", "replace replacement swap exchange",
    "last final", "total altogether", "annual yearly", "earth planet", "sea ocean",
    "temperature heat", "method technique", "cause trigger", "consist composed",
    "capture catch caught", "attack assault", "match game", "score scored", "coach trainer manager",
    "team side squad club", "contest competition tournament championship",
    "award prize honor honour", "job post position", "member subscriber", "visit visitor",
    "website site webpage", "phone telephone", "email e-mail",
    "picture photo photograph photography image", "part component piece", "main primary principal",
    "whole entire complete full", "about approximate", "avoid prevent", "wait await",
    "live lived reside resident", "marry married wed spouse wife husband", "income profit earnings",
    "try attempt tried", "accuse defendant accused", "plan scheme", "mountain mount peak summit",
    "press push pressed", "criticize criticise", "span cover spread", "appoint nominate",
    "injure hurt wound", "kill murder", "arrest detain", "fire blaze", "rain rainfall",
    "road street", "school college", "pupil student", "speed velocity", "error mistake bug",
    "change modify alter", "improve enhance", "answer reply respond response", "question query",
    "search seek sought look", "reach arrive", "limit cap restrict", "check verify",
    "doctorate phd", "study studied", "age aged", "adult grown-up", "night overnight",
    "celsius centigrade c", "fahrenheit f",
};

/* Lands and their people, as they are. */
static const char *const ft__facts_lands[] = {
    "usa america american americans", "uk britain british", "germany german germans",
    "france french", "spain spanish", "italy italian italians", "china chinese", "japan japanese",
    "russia russian russians", "india indian indians", "england english", "scotland scottish",
    "ireland irish", "norway norwegian", "sweden swedish", "denmark danish", "poland polish",
    "portugal portuguese", "greece greek greeks", "turkey turkish", "netherlands dutch",
    "europe european europeans",
};

#endif /* FT__FACTS_WORDS_H */
