/* Which language a text is in, and where its sentences end.

   The guess counts evidence.  The script with the most letters decides between groups of
   languages, and for most scripts that is all; between languages that share one, their most
   frequent words, some endings and beginnings of words, and letters decide, each worth the less the
   more languages have it.  The codes are those of langdetect 1.0.9 (a port of Nakatani's
   language-detection), which IFEval asks; its models of three letters at a time are not ours, so
   the two can differ.  Blind spots: texts of a few words, lists of names, close relatives (da and
   no, hr and sl, cs and sk, id and ms, es and ca), texts in several languages, languages in foreign
   letters.  Only the first 10,000 characters are read, as langdetect does.

   The sentences are those of Punkt (T. Kiss, J. Strunk, "Unsupervised multilingual sentence
   boundary detection", 2006) with NLTK's rules and short lists of our own in the place of its
   statistics. */
#include "eval.h"

/* ---- the language */

enum {
    FT__LANGUAGE_OTHER, FT__LANGUAGE_LATIN, FT__LANGUAGE_CYRILLIC, FT__LANGUAGE_ARABIC,
    FT__LANGUAGE_DEVANAGARI, FT__LANGUAGE_HAN, FT__LANGUAGE_KANA, FT__LANGUAGE_HANGUL,
    FT__LANGUAGE_GREEK, FT__LANGUAGE_HEBREW, FT__LANGUAGE_BENGALI, FT__LANGUAGE_GURMUKHI,
    FT__LANGUAGE_GUJARATI, FT__LANGUAGE_TAMIL, FT__LANGUAGE_TELUGU, FT__LANGUAGE_KANNADA,
    FT__LANGUAGE_MALAYALAM, FT__LANGUAGE_THAI, FT__LANGUAGE_SCRIPTS
};

/* Unicode's blocks; letters outside them are of no language that we know. */
static const struct {
    uint32_t first, last;
    int script;
} ft__language_blocks[] = {
    {0x41, 0x24F, FT__LANGUAGE_LATIN},       {0x370, 0x3FF, FT__LANGUAGE_GREEK},
    {0x400, 0x52F, FT__LANGUAGE_CYRILLIC},   {0x590, 0x5FF, FT__LANGUAGE_HEBREW},
    {0x600, 0x77F, FT__LANGUAGE_ARABIC},     {0x900, 0x97F, FT__LANGUAGE_DEVANAGARI},
    {0x980, 0x9FF, FT__LANGUAGE_BENGALI},    {0xA00, 0xA7F, FT__LANGUAGE_GURMUKHI},
    {0xA80, 0xAFF, FT__LANGUAGE_GUJARATI},   {0xB80, 0xBFF, FT__LANGUAGE_TAMIL},
    {0xC00, 0xC7F, FT__LANGUAGE_TELUGU},     {0xC80, 0xCFF, FT__LANGUAGE_KANNADA},
    {0xD00, 0xD7F, FT__LANGUAGE_MALAYALAM},  {0xE00, 0xE7F, FT__LANGUAGE_THAI},
    {0x1100, 0x11FF, FT__LANGUAGE_HANGUL},   {0x1E00, 0x1EFF, FT__LANGUAGE_LATIN},
    {0x1F00, 0x1FFF, FT__LANGUAGE_GREEK},    {0x3040, 0x30FF, FT__LANGUAGE_KANA},
    {0x3400, 0x9FFF, FT__LANGUAGE_HAN},      {0xAC00, 0xD7A3, FT__LANGUAGE_HANGUL},
    {0xF900, 0xFAFF, FT__LANGUAGE_HAN},      {0xFB50, 0xFEFC, FT__LANGUAGE_ARABIC},
    {0xFF66, 0xFF9F, FT__LANGUAGE_KANA},     {0x20000, 0x3FFFF, FT__LANGUAGE_HAN},
};

/* Of two with the same evidence, or none, the earlier one is taken. */
static const struct {
    const char *code;
    int script;
} ft__languages[] = {
    {"en", FT__LANGUAGE_LATIN},      {"es", FT__LANGUAGE_LATIN},     {"fr", FT__LANGUAGE_LATIN},
    {"de", FT__LANGUAGE_LATIN},      {"pt", FT__LANGUAGE_LATIN},     {"it", FT__LANGUAGE_LATIN},
    {"nl", FT__LANGUAGE_LATIN},      {"pl", FT__LANGUAGE_LATIN},     {"tr", FT__LANGUAGE_LATIN},
    {"vi", FT__LANGUAGE_LATIN},      {"id", FT__LANGUAGE_LATIN},     {"sv", FT__LANGUAGE_LATIN},
    {"no", FT__LANGUAGE_LATIN},      {"da", FT__LANGUAGE_LATIN},     {"fi", FT__LANGUAGE_LATIN},
    {"cs", FT__LANGUAGE_LATIN},      {"ro", FT__LANGUAGE_LATIN},     {"hu", FT__LANGUAGE_LATIN},
    {"sw", FT__LANGUAGE_LATIN},      {"hr", FT__LANGUAGE_LATIN},     {"sk", FT__LANGUAGE_LATIN},
    {"sl", FT__LANGUAGE_LATIN},      {"ca", FT__LANGUAGE_LATIN},     {"tl", FT__LANGUAGE_LATIN},
    {"lt", FT__LANGUAGE_LATIN},      {"lv", FT__LANGUAGE_LATIN},     {"et", FT__LANGUAGE_LATIN},
    {"af", FT__LANGUAGE_LATIN},      {"sq", FT__LANGUAGE_LATIN},     {"cy", FT__LANGUAGE_LATIN},
    {"so", FT__LANGUAGE_LATIN},      {"ru", FT__LANGUAGE_CYRILLIC},  {"uk", FT__LANGUAGE_CYRILLIC},
    {"bg", FT__LANGUAGE_CYRILLIC},   {"mk", FT__LANGUAGE_CYRILLIC},  {"ar", FT__LANGUAGE_ARABIC},
    {"fa", FT__LANGUAGE_ARABIC},     {"ur", FT__LANGUAGE_ARABIC},
    {"hi", FT__LANGUAGE_DEVANAGARI}, {"mr", FT__LANGUAGE_DEVANAGARI},
    {"ne", FT__LANGUAGE_DEVANAGARI}, {"zh-cn", FT__LANGUAGE_HAN},    {"zh-tw", FT__LANGUAGE_HAN},
    {"ja", FT__LANGUAGE_KANA},       {"ko", FT__LANGUAGE_HANGUL},    {"el", FT__LANGUAGE_GREEK},
    {"he", FT__LANGUAGE_HEBREW},     {"bn", FT__LANGUAGE_BENGALI},   {"pa", FT__LANGUAGE_GURMUKHI},
    {"gu", FT__LANGUAGE_GUJARATI},   {"ta", FT__LANGUAGE_TAMIL},     {"te", FT__LANGUAGE_TELUGU},
    {"kn", FT__LANGUAGE_KANNADA},    {"ml", FT__LANGUAGE_MALAYALAM}, {"th", FT__LANGUAGE_THAI},
};

/* Frequent words, "-ending", "beginning-" and "=letter", each followed by the languages that have
   it; in the order of their bytes, since they are searched by halving. */
static const char *const ft__language_evidence[] = {
    "-aan fi", "-aba es", "-able en", "-aha so", "-ais fr", "-ajā lv", "-amos es pt",
    "-ando es pt", "-anie pl sk", "-anje sl hr", "-are it ro", "-arna sv", "-atie nl", "-ayaa so",
    "-ban hu", "-ben hu", "-ból hu", "-chen de", "-ció ca", "-ción es", "-dad es", "-dade pt",
    "-des et", "-dır tr", "-ează ro", "-ed en", "-ede da", "-een fi", "-ega sl", "-ego pl",
    "-eiro pt", "-eix ca", "-ele ro", "-ella it", "-eme cs sk", "-emy pl", "-endo es pt",
    "-enie pl", "-ent fr", "-ente es it pt", "-ere it", "-eren nl", "-erna sv", "-erne da no",
    "-est en", "-eurs fr", "-eux fr", "-ez fr", "-ezza it", "-ful en", "-ga et", "-ght en",
    "-haft de", "-hed da", "-heid nl af", "-heit de", "-het sv no", "-iamo it", "-iau cy",
    "-iej pl", "-iem lv", "-ient fr", "-ije hr", "-ijk nl", "-ijke nl", "-illo es", "-ilor ro",
    "-ima hr", "-imas lt", "-imi sl", "-inde tr", "-inen fi", "-ing en af", "-inho pt", "-ione it",
    "-ioni it", "-ique fr", "-isch de", "-isha sw", "-isht sq", "-ista fi", "-itat ca", "-ity en",
    "-ità it", "-ius lt", "-iyor tr", "-ių lt", "-kan id", "-keit de", "-ksi fi", "-lar tr",
    "-ları tr", "-ler tr", "-leri tr", "-lich de", "-lig sv da no", "-ligt sv da no", "-lijk nl",
    "-lik af", "-lla fi", "-lle fi", "-llä fi", "-ly en", "-lık tr", "-mak tr", "-mek tr",
    "-ment fr ca", "-mine et", "-mme fi", "-nak hu", "-nek hu", "-nen fi", "-ness en", "-nya id",
    "-nın tr", "-odd cy", "-oga hr", "-oje lt", "-ones es", "-ono it", "-ons fr", "-orna sv",
    "-osti cs sk sl hr", "-ott hu", "-ou cs", "-ous en", "-ości pl", "-ssa fi", "-sse et",
    "-ssä fi", "-sta fi", "-stä fi", "-ság hu", "-ség hu", "-tate ro", "-tet de", "-tion en fr",
    "-tje nl", "-tta fi", "-tti it", "-tto it", "-ttä fi", "-tud et", "-tól hu", "-ului ro",
    "-ung de", "-unk hu", "-uose lt", "-vad et", "-vat fi", "-ve sq", "-vät fi", "-wa sw",
    "-ych pl", "-ymi pl", "-yor tr", "-ání cs", "-ás hu", "-ão pt", "-ään fi", "-ção pt",
    "-ções pt", "-ées fr", "-ého cs sk", "-és fr hu", "-ën sq", "-ía es", "-ící cs", "-ími sk",
    "-ños es", "-ów pl", "-ões pt", "-ünk hu", "-ých cs sk", "-ými cs", "-ām lv", "-ější cs",
    "-ğiz tr", "-ğız tr", "-ību lv", "-ında tr", "-šana lv", "-ție ro", "-ая ru", "-ет ru",
    "-ий ru", "-ими uk", "-ите bg mk", "-ият bg", "-ння uk", "-ого ru uk", "-от mk", "-та bg mk",
    "-то bg mk", "-ться ru uk", "-ът bg", "-ый ru", "-ыми ru", "-ют ru", "-ій uk", "-ات ar",
    "-ها fa", "-های fa", "-ون ar", "-का ne", "-को ne", "-चा mr", "-ची mr", "-चे mr", "-छन् ne",
    "-बाट ne", "-मा ne", "-ला mr", "-लाई ne", "-ले ne", "-हरू ne", "-ून mr", "=ß de",
    "=à fr it pt ca vi", "=á es pt cs sk hu vi", "=â fr pt ro vi", "=ã pt vi", "=ä de sv fi et sk",
    "=å sv da no", "=æ da no", "=ç fr pt ca tr sq", "=è fr it ca", "=é fr es pt ca cs sk hu",
    "=ê fr pt vi", "=ë fr sq", "=ì it", "=í es pt ca cs sk hu", "=î fr ro", "=ï fr ca", "=ñ es",
    "=ò it ca", "=ó es pt ca pl hu", "=ô fr pt sk vi", "=õ pt et", "=ö de sv fi et hu tr",
    "=ø da no", "=ù fr it", "=ú es pt ca cs sk hu", "=û fr", "=ü de et hu tr", "=ý cs sk", "=ā lv",
    "=ă ro vi", "=ą lt pl", "=ć pl hr", "=č lt cs sk sl hr", "=ď cs sk", "=đ hr vi", "=ē lv",
    "=ė lt", "=ę lt pl", "=ě cs", "=ğ tr", "=ģ lv", "=ī lv", "=į lt", "=ı tr", "=ķ lv", "=ĺ sk",
    "=ļ lv", "=ľ sk", "=ł pl", "=ń pl", "=ņ lv", "=ň cs sk", "=ő hu", "=œ fr", "=ŕ sk", "=ř cs",
    "=ś pl", "=ş ro tr", "=š lv lt cs sk sl hr", "=ţ ro", "=ť cs sk", "=ū lv lt", "=ů cs", "=ű hu",
    "=ų lt", "=ŵ cy", "=ŷ cy", "=ź pl", "=ż pl", "=ž lv lt cs sk sl hr", "=ơ vi", "=ư vi", "=ș ro",
    "=ț ro", "=ъ ru bg", "=ы ru", "=э ru", "=ё ru", "=ѓ mk", "=є uk", "=ѕ mk", "=і uk", "=ї uk",
    "=ј mk", "=љ mk", "=њ mk", "=ќ mk", "=џ mk", "=ґ uk", "=أ ar", "=ؤ ar", "=إ ar", "=ة ar",
    "=ك ar", "=ى ar", "=ي ar", "=ٹ ur", "=پ fa ur", "=چ fa ur", "=ڈ ur", "=ڑ ur", "=ژ fa",
    "=ک fa ur", "=گ fa ur", "=ں ur", "=ھ ur", "=ہ ur", "=ی fa ur", "=ے ur", "=ळ mr", "=ạ vi",
    "=与 zh-cn", "=东 zh-cn", "=两 zh-cn", "=个 zh-cn", "=为 zh-cn", "=么 zh-cn", "=书 zh-cn", "=从 zh-cn",
    "=们 zh-cn", "=会 zh-cn", "=体 zh-cn", "=來 zh-tw", "=個 zh-tw", "=們 zh-tw", "=兩 zh-tw", "=关 zh-cn",
    "=发 zh-cn", "=問 zh-tw", "=园 zh-cn", "=国 zh-cn", "=國 zh-tw", "=園 zh-tw", "=学 zh-cn", "=學 zh-tw",
    "=实 zh-cn", "=實 zh-tw", "=对 zh-cn", "=對 zh-tw", "=应 zh-cn", "=开 zh-cn", "=從 zh-tw", "=應 zh-tw",
    "=无 zh-cn", "=时 zh-cn", "=時 zh-tw", "=書 zh-tw", "=會 zh-tw", "=来 zh-cn", "=東 zh-tw", "=样 zh-cn",
    "=樣 zh-tw", "=汤 zh-cn", "=沒 zh-tw", "=没 zh-cn", "=湯 zh-tw", "=点 zh-cn", "=為 zh-tw", "=無 zh-tw",
    "=现 zh-cn", "=現 zh-tw", "=电 zh-cn", "=發 zh-tw", "=經 zh-tw", "=经 zh-cn", "=與 zh-tw", "=著 zh-tw",
    "=裡 zh-tw", "=話 zh-tw", "=該 zh-tw", "=語 zh-tw", "=說 zh-tw", "=讓 zh-tw", "=让 zh-cn", "=话 zh-cn",
    "=该 zh-cn", "=语 zh-cn", "=说 zh-cn", "=車 zh-tw", "=车 zh-cn", "=过 zh-cn", "=还 zh-cn", "=这 zh-cn",
    "=這 zh-tw", "=過 zh-tw", "=還 zh-tw", "=開 zh-tw", "=關 zh-tw", "=问 zh-cn", "=阳 zh-cn", "=陽 zh-tw",
    "=電 zh-tw", "=題 zh-tw", "=题 zh-cn", "=體 zh-tw", "=鮮 zh-tw", "=鲜 zh-cn", "=麼 zh-tw", "=點 zh-tw",
    "aan nl af so", "aber de", "about en", "aby cs sk", "ac cy", "această ro", "acest ro",
    "aceste ro", "ad it", "ada id", "adalah id", "af da", "after en", "aga et", "ah so",
    "ai it ro sq", "ajo sq", "akan id", "ako sk hr tl", "al es it ca nl ro", "ale pl cs sk ro",
    "alebo sk", "ali sl hr", "ali- sw", "alikuwa sw", "all en", "alla it sv", "alle de da no",
    "als de ca nl", "also en", "am de ro cy", "ama tr", "amb ca", "ambayo sw", "amely hu",
    "an en de", "ana- sw", "anak id", "anche it", "and en", "ang tl", "any en", "ao pt", "aos pt",
    "après fr", "aquest ca", "aquesta ca", "ar lv cy", "arba lt", "are en", "arī lv",
    "as en pt af", "astăzi ro", "at en da no tl", "ata sq", "atau id", "att sv", "até pt",
    "au fr ro sw", "auch de", "auf de", "aujourd fr", "aus de", "aussi fr", "aux fr", "av sv no",
    "avant fr", "avea ro", "avec fr", "avoir fr", "avui ca", "ay tl so", "ayaa so", "az hu",
    "azi ro", "azt hu", "aš lt", "až cs sk", "baada sw", "baadaye sw", "badan so", "baie af",
    "bara sv", "bardzo pl", "bare da no", "bashkë sq", "be en", "because en", "been en",
    "before en", "bei de", "ben tr", "ber- id", "bersama id", "bet lv lt", "between en",
    "bi sl hr", "bien fr", "bij nl", "bija lv", "bil sl", "bila sl hr sw", "bilang tl",
    "bilo sl hr", "bio hr", "bir tr", "birlikte tr", "bis de", "bisa id", "biti hr", "biz tr",
    "ble no", "blev da", "bli sv no", "blir sv no", "blive da", "bliver da", "bo sl", "bod cy",
    "bol sk", "bola sk", "bolo sk", "bu tr", "bugün tr", "but en", "buvo lt", "by en af cs sk",
    "byl cs", "byla cs", "bylo cs", "być pl", "był pl", "była pl", "było pl", "byť sk", "být cs",
    "c fr", "ca ro", "can en", "care ro", "ce fr ro", "ces fr", "cette fr", "cha sw", "che it",
    "cho vi", "chúng vi", "ci it", "co pl", "com pt ca", "come it", "comme fr", "como es pt",
    "con es it", "could en", "csak hu", "cu ro", "cuando es", "cui it", "czy pl", "các vi",
    "când ro", "có vi", "cùng vi", "că ro", "cũng vi", "của vi", "d fr ca", "da it pt sl hr tr",
    "dag da no", "daha tr", "dahil tl", "dal it", "dalam id", "dalla it", "dan nl id", "danas hr",
    "danes sl", "dans fr", "dapat id", "dar ro", "dari id", "das de pt", "dass de", "dat nl af",
    "degli it", "dei it", "del es it ca", "della it", "delle it", "dels ca", "dem de",
    "den de sv da no", "dengan id", "denna sv", "denne da no", "depois pt", "der de da no",
    "deres da no", "des de fr ca", "desde es", "després ca", "después es", "dessa sv",
    "det sv da no", "detta sv", "deur af", "deux fr", "deze nl", "değil tr", "dhe sq", "di it id",
    "dia id", "did en", "die de nl af", "diese de", "dieser de", "dieses de", "din ro tl",
    "disse da no", "dit nl af", "dla pl", "dnes cs sk", "do en pt pl cs sk sl sq", "doch de",
    "does en", "don en", "donde es", "door nl", "dopo it", "dos pt", "dove it", "dros cy", "du fr",
    "după ro", "durch de", "dzisiaj pl", "dziś pl", "där sv", "dėl lt", "e es it pt sq", "ea ro",
    "each en", "ed it", "edhe sq", "ee so", "een nl af", "efter sv da", "egy hu", "együtt hu",
    "ei fi et ro cy", "ein de", "eine de", "einem de", "einen de", "einer de", "ek af",
    "el es ca hu ro", "ela pt", "elas pt", "ele pt", "eles pt", "ell ca", "ella es ca", "elle fr",
    "eller sv da no", "elles fr", "ellos es", "els ca", "em pt", "en es ca nl af sv da no tr",
    "ennen fi", "entre fr es pt ca", "er de nl da no", "era it", "es de es ca lv", "essere it",
    "est fr", "esta es pt", "estas es", "este es pt ro", "estos es", "està ca", "está es pt",
    "están es", "et fr da no et", "ett sv", "etter no", "että fi", "eu pt cy", "every en", "ez hu",
    "ezt hu", "fait fr", "fel cy", "fi ro", "fins ca", "foarte ro", "fod cy", "foi pt",
    "for en da no", "fost ro", "fra it da no", "from en", "från sv", "fue es", "fy cy", "för sv",
    "für de", "gali lt", "gan cy", "ge- nl", "geen nl", "gegen de", "gibi tr", "gibt de", "gli it",
    "gli- it", "gyda cy", "ha es it ca hu", "haar nl", "habari sw", "haben de", "had en",
    "hadde no", "hade sv", "han es sv da no", "hanno it", "hapa sw", "har sv da no", "hari id",
    "has en", "hasta es", "hat de", "havde da", "have en", "hay es", "hayo sw", "he en fi",
    "hebben nl", "heddiw cy", "heeft nl", "hefyd cy", "her en da no tr", "het nl af", "heute de",
    "hi ca", "hier de", "hierdie af", "hii sw", "hij nl", "hiljem et", "hindi tl", "his en",
    "hivyo sw", "hiyo sw", "ho ca", "hoe nl", "hogy hu", "hoje pt", "hon sv", "how en", "hoy es",
    "hui fr", "hulle af", "hun nl da no", "huo sw", "hva no", "hvad da", "hvis da no",
    "hvor da no", "hwn cy", "hy af", "hyvin fi", "hän fi", "här sv", "hôm vi", "ich de pl",
    "idag sv", "if en", "ihr de", "ihre de", "ik nl", "iki lt", "ikke da no", "il fr it", "ile tr",
    "ili hr sw", "ili- sw", "ils fr", "im de", "in en de it nl af sl so", "ini id", "insieme it",
    "inte sv", "into en", "io it", "ir lv lt", "is en nl af hu", "isang tl", "isso pt", "ist de",
    "it en", "ito tl", "its en", "itt hu", "itu id", "iyo so", "iz sl hr", "između hr", "için tr",
    "iš lt", "j fr", "ja ca fi et", "jag sv", "jak pl", "jako cs", "jam sq", "janë sq",
    "jau lv lt", "je fr nl cs sk sl hr", "jeg da no", "jego pl", "jeho cs sk", "jej pl", "jen cs",
    "jer hr", "jest pl", "ji lt", "jih sl", "jis lt", "jo ca", "joka fi", "jos fi", "jossa fi",
    "jotka fi", "jsem cs", "jsou cs", "jua sw", "juba et", "juga id", "juntos pt", "just en",
    "już pl", "jy af", "já pt", "jälkeen fi", "jūs lv lt", "ka et lv tl so sq", "kad lt",
    "kadar tr", "kaikki fi", "kaip lt", "kale so", "kama sw", "kami id tl", "kan nl af sv da no",
    "kann de", "kanssa fi", "kanyang tl", "kao hr", "karena id", "kartu lt", "kas lv",
    "kasneje sl", "kasnije hr", "katika sw", "když cs", "ke id", "kein de", "keine de", "kell hu",
    "ker sl", "kes et", "keď sk", "khi vi", "không vi", "ki sl hu tr", "kila sw", "kita id",
    "kjo sq", "ko sl tl", "koja hr", "koje hr", "koji hr", "koos et", "kopā lv", "kot sl",
    "která cs", "které cs", "který cs", "ktorá sk", "ktoré sk", "ktorý sk", "która pl", "które pl",
    "który pl", "ku so sq", "kui et", "kuid et", "kuin fi", "kun fi", "kung tl", "kuris lt",
    "kus et", "kuto- sw", "kuwa sw", "kwa sw", "ky sq", "később hu", "këtë sq", "kõik et",
    "können de", "között hu", "kā lv", "l fr it ca", "la fr es it ca ro sw so", "labai lt",
    "lagu so", "lahko sl", "lai lv", "lakini sw", "lang tl", "las es", "later nl af",
    "le fr es it", "lebih id", "lehet hu", "lei it", "len sk", "leo sw", "les fr es ca", "lesz hu",
    "leur fr", "leurs fr", "lhe pt", "lo es it", "loo so", "lor ro", "loro it", "los es", "lub pl",
    "lui it ro", "là vi", "līdz lv", "ma it hu", "maak af", "maanta so", "maar nl af", "mae cy",
    "mag- tl", "mai ro", "mais fr pt", "mamaya tl", "man de sv da no", "many en", "mas pt",
    "may en tl", "mañana es", "mbo- sw", "me en es pt fi et sq", "med sv da no sl", "meer nl",
    "meg hu", "meget da", "mehr de", "mellan sv", "mellem da", "mellom no", "mem- id",
    "men sv da no", "meng- id", "menjadi id", "mereka id", "mert hu", "mes lt", "met nl af",
    "mga tl", "mi es it tr", "mimi sw", "mina et", "minden hu", "mint hu", "minä fi", "mis et",
    "mit de", "mitä fi", "mo tl", "moet nl", "molt ca", "molto it", "more en", "most en",
    "może pl", "mtu sw", "muito pt", "mukaan fi", "must en", "mutta fi", "muy es", "my en pl",
    "mycket sv", "mye no", "myöhemmin fi", "myös fi", "má cs sk", "már hu", "más es", "még hu",
    "més ca", "même fr", "më sq", "mēs lv", "můj cs", "một vi", "n fr af", "naar nl", "nach de",
    "nad et", "nag- tl", "nagyon hu", "namin tl", "nang tl", "nanti id", "nas pt", "natin tl",
    "nav lv", "nay vi", "ne fr lt sl hr tr", "nebo cs", "nel it", "nella it", "nem hu", "není cs",
    "neskôr sk", "never en", "ng tl", "nga sq", "ngayon tl", "người vi", "nhau vi", "nhiều vi",
    "như vi", "những vi", "ni sv sl tl sw", "nicht de", "nid cy", "nie af pl sk", "niet nl",
    "nii et", "niin fi", "nije hr", "nime- sw", "ning et", "niya tl", "një sq",
    "no en es pt ca lv", "noch de", "noen no", "nog nl", "noi it ro", "non it", "noong tl",
    "nos pt", "nosaltres ca", "nosotros es", "not en", "notre fr", "nous fr", "nu sv da ro",
    "nuestro es", "nuk sq", "nuo lt", "nur de", "nyt fi", "này vi", "não pt", "när sv", "nå no",
    "når da no", "në sq", "nós pt", "och sv", "också sv", "od pl cs sk sl hr", "oder de",
    "of en nl", "og da no", "oggi it", "også da no", "olan tr", "olarak tr", "oldu tr",
    "olduğu tr", "ole fi", "oleh id", "oli fi et", "olid et", "olla fi", "ollut fi",
    "om nl af sv da no", "oma et", "omdat nl", "on en fr ca fi et pl", "ona pl", "ond cy",
    "onde pt", "one en", "oni pl", "onlar tr", "only en", "ons af", "ont fr", "onze nl", "oo so",
    "ook nl af", "op nl af da", "opp no", "or en", "oraz pl", "os pt", "other en", "ott hu",
    "ou fr pt", "our en", "out en", "ovat fi", "over en nl da no", "où fr", "pa sl tl", "pada id",
    "pag- tl", "pamoja sw", "par fr lv", "para es pt id tl", "pas fr sq", "pe ro", "pela pt",
    "pelo pt", "pels ca", "pentru ro", "per it ca", "perché it", "pero es", "perquè ca", "però ca",
    "peut fr", "pia sw", "pie lv", "più it", "plus fr", "po lt pl cs sk sl hr tl", "poate ro",
    "poi it", "pole et", "por es pt sq", "porque es pt", "pour fr", "pouze cs", "později cs",
    "pre sk", "pri sk sl", "prie lt", "prin ro", "pro cs", "prz- pl", "przed pl", "przez pl",
    "przy pl", "puede es", "pärast et", "på sv da no", "për sq", "później pl", "pēc lv", "při cs",
    "qu fr", "quan ca", "quando it pt", "que fr es pt ca", "questa it", "questi it", "questo it",
    "qui fr", "që sq", "ra vi", "razem pl", "rin tl", "roedd cy", "rất vi", "s en fr cs sk hr",
    "sa fr sk tl", "saam af", "saat id", "said en", "sal af", "samen nl", "samo sl hr", "sana sw",
    "sans fr", "sasa sw", "sau ro vi", "saya id", "sch- de", "schon de", "sebagai id", "seda et",
    "see et", "seg no", "sehr de", "sein de", "seine de", "sem pt", "sen fi tr", "senare sv",
    "senere da no", "sense ca", "seperti id", "ser es pt", "ses fr", "seu pt ca", "seus pt",
    "seva ca", "she en", "should en", "shumë sq", "si es it cs sk tl sw so sq", "sich de",
    "sie de", "sig sv da", "siis et", "sila tl", "sin es sv da no", "sina et", "sind de",
    "sinä fi", "sisi sw", "sitt sv", "sitten fi", "siya tl", "siz tr", "się pl", "ska sv",
    "skal da no", "skulle sv da no", "skupaj sl", "smo sl hr", "so en de sl", "sobre es pt",
    "som sv sk", "some en", "son fr es", "sono it", "sonra tr", "sont fr", "sot sq", "společně cs",
    "spolu sk", "später de", "ste sl hr", "su es lt hr", "sua it pt", "suas pt", "sudah id",
    "sul it", "sulla it", "sunt ro", "suo it", "sur fr", "sus es", "sve hr", "sy af", "são pt",
    "så sv da no", "së sq", "sí es", "són ca", "sú sk", "są pl", "sẽ vi", "t en", "ta et pl sl vi",
    "tai fi lt", "tak pl cs sk", "také cs", "także pl", "también es", "també ca", "também pt",
    "tas lv", "tayo tl", "te nl af fi et pl hr", "telah id", "tem pt", "ten pl", "ter pt",
    "tersebut id", "teď cs", "th- en", "than en", "that en", "the en", "their en", "then en",
    "there en", "these en", "they en", "this en", "those en", "thì vi", "ti it", "tidak id",
    "tiež sk", "tik lt", "til da no", "till sv", "to en pl cs sk sl hr", "todo es", "todos es",
    "toe af", "tot ca nl", "tots ca", "tous fr", "tout fr", "tra it", "trong vi", "très fr",
    "tu it lv lt sw", "tudi sl", "tuta- sw", "tutti it", "tutto it", "tylko pl", "tämä fi",
    "täna et", "tänään fi", "të sq", "tôi vi", "tú es", "tā lv", "từ vi", "u es nl hr so", "ud da",
    "uit nl af", "um de pt", "uma pt", "un fr es it ca lv ro cy", "una es it ca", "und de",
    "unde ro", "under en sv da no", "une fr", "uno it", "unter de", "untuk id", "up en", "upp sv",
    "ut sv no", "után hu", "uu so", "uz lv", "v cs sk sl", "va ca", "vagy hu", "vai lv", "vain fi",
    "van nl af hu", "vandaag nl", "vandag af", "var sv da no tr", "ve cs tr", "ved da no",
    "veel nl et", "ver- nl", "very en", "veya tr", "vi sv da no", "vid sv", "vielä fi", "vir af",
    "visi lv lt", "viņa lv", "viņš lv", "vo sk", "você pt", "voi it fi ro", "volt hu", "vom ro",
    "von de", "voor nl", "vor de", "votre fr", "vous fr", "vrlo hr", "vse sl", "vya sw", "và vi",
    "vào vi", "väga et", "või et", "vēlāk lv", "vėliau lt", "về vi", "với vi", "w pl", "wa sw",
    "waa so", "waar nl", "wake sw", "wana- sw", "wao sw", "war de", "was en nl af", "wat nl af",
    "wata- sw", "watoto sw", "watu sw", "waxa so", "waxaa so", "we en nl pl", "wedi cy", "wel nl",
    "wenn de", "werd nl", "werden de", "were en", "wewe sw", "wh- en", "what en", "when en",
    "which en", "who en", "wie de nl", "wij nl", "will en", "wir de", "wird de", "with en",
    "word af", "worden nl", "wordt nl", "would en", "wrth cy", "wurde de", "wurden de", "wy pl",
    "y es cy", "ya es tr sw", "yake sw", "yang id", "yeye sw", "yhdessä fi", "yn cy", "yo es",
    "you en", "your en", "yr cy", "yra lt", "yw cy", "z pl cs sk sl", "za pl cs sk sl hr sw",
    "zaidi sw", "zajedno hr", "ze nl pl", "zelo sl", "zij nl", "zijn nl", "zu de", "zum de",
    "zur de", "zwischen de", "à fr pt", "às pt", "är sv", "çok tr", "è it", "é pt", "él es",
    "és ca hu", "était fr", "été fr", "être fr", "është sq", "împreună ro", "în ro", "într ro",
    "över sv", "über de", "ühe et", "đã vi", "đó vi", "được vi", "đến vi", "để vi", "į lt",
    "ļoti lv", "şey tr", "še sl", "šiandien lt", "šis lv", "šodien lv", "što hr", "że pl",
    "že cs sk", "și ro", "а ru", "або uk", "аз bg", "ако bg mk", "але uk", "беше bg mk", "бил bg",
    "била bg", "било bg", "був uk", "була uk", "було uk", "бути uk", "бы ru", "был ru", "была ru",
    "было ru", "быть ru", "в ru uk bg", "вече bg", "веќе mk", "вже uk", "ви uk", "вие bg mk",
    "вместе ru", "во mk", "вона uk", "вони uk", "все ru", "във bg", "вы ru", "від uk", "він uk",
    "где ru", "ги bg mk", "го bg mk", "да bg mk", "де uk", "дека mk", "денес mk", "для ru uk",
    "днес bg", "до ru uk bg mk", "дуже uk", "е bg mk", "его ru", "ее ru", "если ru", "еще ru",
    "ещё ru", "её ru", "же ru", "з uk", "за ru uk bg mk", "заедно bg mk", "и ru bg mk", "из ru",
    "или ru bg mk", "й uk", "його uk", "к ru", "каде mk", "как ru", "како mk", "като bg",
    "кога mk", "когато bg", "когда ru", "коли uk", "къде bg", "ми uk", "много bg", "многу mk",
    "може uk bg mk", "может ru", "му bg", "мы ru", "на ru uk bg mk", "не ru uk bg mk", "ние bg mk",
    "но ru bg mk", "о ru", "оваа mk", "овие mk", "овој mk", "од mk", "он ru", "она ru", "они ru",
    "от ru bg", "очень ru", "още bg", "по ru bg mk", "подоцна mk", "позже ru", "при ru uk bg mk",
    "пізніше uk", "разом uk", "с ru bg", "са bg", "само bg mk", "се bg mk", "сегодня ru",
    "след bg", "со mk", "със bg", "сьогодні uk", "та uk", "таа mk", "тази bg", "так ru", "те bg",
    "тези bg", "тие mk", "то ru", "този bg", "той bg", "только ru", "тој mk", "тя bg", "тільки uk",
    "у ru uk", "уже ru", "уште mk", "це uk", "цей uk", "ця uk", "ці uk", "че bg", "что ru",
    "што mk", "ще uk bg", "що uk", "эта ru", "эти ru", "это ru", "этот ru", "я ru uk", "як uk",
    "якщо uk", "є uk", "і uk", "її uk", "јас mk", "ќе mk", "آج ur", "آن fa", "أن ar", "أو ar",
    "إلى ar", "إن ar", "از fa", "است fa", "ال- ar", "التي ar", "الذي ar", "اليوم ar", "امروز fa",
    "او fa", "اور ur", "این fa", "ایک ur", "با fa", "بر fa", "برای fa", "بعد ar fa ur", "به fa",
    "بود fa", "بين ar", "بھی ur", "تا fa", "تھا ur", "تھے ur", "ثم ar", "جو ur", "خود fa", "در fa",
    "را fa", "رہا ur", "رہے ur", "سے ur", "شد fa", "شود fa", "على ar", "عن ar", "في ar", "قبل ar",
    "قد ar", "كان ar", "كل ar", "كما ar", "لا ar", "لم ar", "لن ar", "لیے ur", "ما ar fa", "مع ar",
    "من ar", "می fa", "می- fa", "میں ur", "نیز fa", "نے ur", "ها fa", "هذا ar", "هذه ar", "هر fa",
    "هم fa", "هو ar", "هي ar", "و ar fa", "وال- ar", "وہ ur", "پر ur", "کا ur", "کر ur", "کرد fa",
    "که fa", "کو ur", "کہ ur", "کی ur", "کے ur", "ہم ur", "ہو ur", "ہیں ur", "ہے ur", "یک fa",
    "یہ ur", "आज hi mr ne", "आणि mr", "आप hi", "आपण mr", "आम्ही mr", "आहे mr", "आहेत mr", "इस hi",
    "उस hi", "एक hi mr ne", "और hi", "कर hi", "का hi ne", "कि hi", "की hi mr", "के hi", "केले mr",
    "को hi ne", "गरेको ne", "गर्न ne", "गर्ने ne", "छ ne", "छन् ne", "जो hi", "झाले mr", "तर ne",
    "ती mr", "ते mr", "तो hi mr", "त्या mr", "त्यो ne", "था hi", "थिए ne", "थियो ne", "थी hi",
    "थे hi", "नंतर mr", "नहीं hi", "नाही mr", "ने hi", "नै ne", "पछि ne", "पण mr", "पनि ne",
    "पर hi", "बाट ne", "बाद hi", "भने ne", "भी hi", "मध्ये mr", "मा ne", "में hi", "यह hi",
    "या mr", "यो ne", "र ne", "रहा hi", "रही hi", "रहे hi", "लाई ne", "लिए hi", "ले ne", "व mr",
    "वह hi", "साठी mr", "साथ hi", "से hi", "हम hi", "हा mr", "हामी ne", "ही mr", "हुन् ne",
    "हे mr", "है hi", "हैं hi", "हो hi ne", "होता mr", "होती mr", "होते mr", "ở vi",
};

/* What one piece of evidence is worth; shared by n languages it is worth the n-th part to each. */
enum { FT__LANGUAGE_WORD = 840, FT__LANGUAGE_LETTER = 420, FT__LANGUAGE_PART = 280 };
enum { FT__LANGUAGE_MAX_CHARS = 10000, FT__LANGUAGE_MAX_WORD = 60 };

typedef struct ft__language_reader {
    uint32_t letters[FT__LANGUAGE_SCRIPTS];
    uint32_t evidence[FT__COUNT(ft__languages)];
    /* The word being read, in lower case; in front of it there is room for a '-', as behind it. */
    char text[FT__LANGUAGE_MAX_WORD + 8];
    size_t n, n_chars;
    uint8_t starts[FT__LANGUAGE_MAX_WORD + 1]; /* of its characters; one more is its end */
} ft__language_reader;

/* A key against a row of the table, whose key ends at its first blank. */
static int ft__language_order(const char *key, size_t n, const char *row) {
    size_t i = 0;
    while (i < n && key[i] == row[i]) i++;
    uint8_t x = i < n ? (uint8_t)key[i] : 0, y = row[i] == ' ' ? 0 : (uint8_t)row[i];
    return x < y ? -1 : x > y;
}

/* The languages of a key, " es pt"; NULL: it says nothing. */
static const char *ft__language_find(const char *key, size_t n) {
    size_t low = 0, high = FT__COUNT(ft__language_evidence);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = ft__language_order(key, n, ft__language_evidence[middle]);
        if (order == 0) return ft__language_evidence[middle] + n;
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return NULL;
}

static bool ft__language_count(ft__language_reader *r, const char *key, size_t n, uint32_t worth) {
    const char *codes = ft__language_find(key, n);
    uint32_t shared = 0;
    if (!codes) return false;
    for (const char *p = codes; *p; p++) shared += *p == ' ';
    for (const char *p = codes; *p == ' ';) {
        size_t length = strcspn(++p, " ");
        for (size_t i = 0; i < FT__COUNT(ft__languages); i++)
            if (strncmp(ft__languages[i].code, p, length) == 0) {
                r->evidence[i] += worth / shared;
                break;
            }
        p += length;
    }
    return true;
}

/* A word that says nothing itself may end or begin in a way that does: by 4, 3 or 2 characters. */
static void ft__language_end_word(ft__language_reader *r) {
    char *word = r->text + 1;
    size_t n = r->n, chars = r->n_chars, k;
    r->n = r->n_chars = 0;
    if (n == 0 || n > FT__LANGUAGE_MAX_WORD || ft__language_count(r, word, n, FT__LANGUAGE_WORD))
        return;
    r->starts[chars] = (uint8_t)n;
    for (k = chars > 5 ? 4 : chars > 2 ? chars - 2 : 0; k >= 2; k--) {
        size_t at = r->starts[k];
        char kept = word[at];
        word[at] = '-';
        bool known = ft__language_count(r, word, at + 1, FT__LANGUAGE_PART);
        word[at] = kept;
        if (known) break;
    }
    for (k = chars > 5 ? 4 : chars > 2 ? chars - 2 : 0; k >= 2; k--) {
        size_t at = r->starts[chars - k];
        char kept = word[at - 1];
        word[at - 1] = '-';
        bool known = ft__language_count(r, word + at - 1, n - at + 1, FT__LANGUAGE_PART);
        word[at - 1] = kept;
        if (known) break;
    }
}

static int ft__language_script(uint32_t c) {
    for (size_t i = 0; i < FT__COUNT(ft__language_blocks) && c >= ft__language_blocks[i].first; i++)
        if (c <= ft__language_blocks[i].last) return ft__language_blocks[i].script;
    return FT__LANGUAGE_OTHER;
}

/* A letter or a mark that is not ASCII, in lower case. */
static void ft__language_add_letter(ft__language_reader *r, uint32_t c) {
    int script = ft__language_script(c);
    char key[8] = "=";
    r->letters[script]++;
    /* All of these letters with two marks are Vietnamese: one row speaks for them. */
    size_t n = 1 + (size_t)ft__utf8_encode(c >= 0x1EA0 && c <= 0x1EF9 ? 0x1EA1 : c, key + 1);
    if (script <= FT__LANGUAGE_HAN) ft__language_count(r, key, n, FT__LANGUAGE_LETTER);
    if (r->n < FT__LANGUAGE_MAX_WORD - 4) {
        r->starts[r->n_chars++] = (uint8_t)r->n;
        r->n += (size_t)ft__utf8_encode(c, r->text + 1 + r->n);
    } else r->n = FT__LANGUAGE_MAX_WORD + 1;
}

static void ft__language_read(ft__language_reader *r, ft__view text) {
    const char *p = text.text, *end = p + text.n;
    for (int count = 0; p < end && count < FT__LANGUAGE_MAX_CHARS; count++) {
        uint8_t byte = (uint8_t)*p, letter = byte | 0x20;
        if (letter >= 'a' && letter <= 'z') {
            r->letters[FT__LANGUAGE_LATIN]++;
            if (r->n < FT__LANGUAGE_MAX_WORD) {
                r->starts[r->n_chars++] = (uint8_t)r->n;
                r->text[1 + r->n++] = (char)letter;
            } else r->n = FT__LANGUAGE_MAX_WORD + 1;
            p++;
        } else if (byte < 0x80) {
            if (r->n) ft__language_end_word(r);
            p++;
        } else {
            uint32_t c = ft__utf8_next(&p, end);
            unsigned bit = c == FT__BAD_UTF8 ? 0 : FT__CLASS_BIT(ft__char_class_of(c));
            if (bit & (FT__CLASS_L | FT__CLASS_BIT(FT__UNICODE_M)))
                ft__language_add_letter(r, ft__lower_char(c));
            else ft__language_end_word(r);
        }
    }
    ft__language_end_word(r);
}

FT__PRIV const char *ft__language_guess(ft__view text) {
    ft__language_reader r;
    uint32_t *letters = r.letters;
    int script = FT__LANGUAGE_OTHER;
    size_t best = FT__COUNT(ft__languages);
    memset(&r, 0, sizeof r);
    ft__language_read(&r, text);
    /* Kana with characters from China is Japanese; both write more with one character than others.
       */
    if (8 * letters[FT__LANGUAGE_KANA] > letters[FT__LANGUAGE_HAN]) {
        letters[FT__LANGUAGE_KANA] += letters[FT__LANGUAGE_HAN];
        letters[FT__LANGUAGE_HAN] = 0;
    }
    letters[FT__LANGUAGE_KANA] *= 3;
    letters[FT__LANGUAGE_HAN] *= 3;
    letters[FT__LANGUAGE_HANGUL] *= 2;
    for (int i = 1; i < FT__LANGUAGE_SCRIPTS; i++)
        if (letters[i] > letters[script]) script = i;
    for (size_t i = 0; i < FT__COUNT(ft__languages); i++)
        if (ft__languages[i].script == script &&
            (best == FT__COUNT(ft__languages) || r.evidence[i] > r.evidence[best]))
            best = i;
    return best < FT__COUNT(ft__languages) ? ft__languages[best].code : NULL;
}

/* ---- sentences */

/* Words that a full stop belongs to, in lower case.  After the first a name follows, so that its
   capital letter says nothing; the second end sentences where a capital letter follows; the third
   are for those who want sentences rather than Punkt's number of them. */
static const char *const ft__sentence_names[] = {
    "adm", "aug", "bros", "calif", "capt", "co", "col", "conn", "corp", "cos", "d.c", "dec", "dr",
    "feb", "fla", "gen", "gov", "inc", "jan", "jr", "lt", "ltd", "maj", "messrs", "mich", "minn",
    "mr", "mrs", "ms", "mt", "n.y", "nov", "oct", "ph.d", "prof", "rep", "reps", "rev", "sen",
    "sens", "sept", "sgt", "sr", "st", "tenn", "u.k", "u.n", "u.s", "u.s.a", "va", "vs",
};
static const char *const ft__sentence_times[] = {"a.m", "p.m", "etc"};
static const char *const ft__sentence_extra[] = {
    "approx", "apr", "bzw", "ca", "cf", "e.g", "eq", "fig", "i.e", "mme", "nr", "no", "sra", "usw",
    "z.b",
};
/* With a capital letter these begin a sentence after an abbreviation too. */
static const char *const ft__sentence_starters[] = {
    "a", "after", "all", "also", "although", "among", "an", "and", "as", "at", "because", "both",
    "but",
    "by", "despite", "each", "even", "for", "he", "her", "his", "how", "however", "i", "if", "in",
    "instead", "it", "its", "many", "meanwhile", "most", "my", "no", "not", "on", "once", "one",
    "or",
    "others", "our", "she", "since", "so", "some", "still", "such", "that", "the", "their", "then",
    "there", "these", "they", "this", "those", "to", "today", "under", "until", "we", "what",
    "when",
    "where", "while", "who", "why", "with", "yet", "you", "your",
};

static bool ft__sentence_listed(const char *const *words, size_t n_words, ft__view word) {
    char low[16];
    if (word.n >= sizeof low) return false;
    for (size_t i = 0; i < word.n; i++) {
        char c = word.text[i];
        low[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    for (size_t i = 0; i < n_words; i++)
        if (ft__text_equal(words[i], strlen(words[i]), low, word.n)) return true;
    return false;
}
#define FT__SENTENCE_IN(list, word) ft__sentence_listed(list, FT__COUNT(list), word)

/* What may stand directly behind the end of a sentence. */
static bool ft__sentence_is_mark(char c) { return c && strchr(")\";}]*:@'({[!?", c) != NULL; }

/* The letter that a word begins with: a capital one 'A', a small one 'a', none 0. */
static int ft__sentence_letter(const char *p, const char *end) {
    ft__char_class k = p < end ? ft__char_class_of(ft__utf8_next(&p, end)) : FT__UNICODE_C;
    return k == FT__UNICODE_LU || k == FT__UNICODE_LT ? 'A' : k == FT__UNICODE_LL ? 'a' : 0;
}

/* Punkt judges a full stop together with the next word, and takes one that has a '?' or '!' with
   more behind it for the end of the sentence that it asked about ("Well... what?!"). */
static bool ft__sentence_shouts(const char *p, const char *end) {
    for (; p + 1 < end && (uint8_t)p[1] > ' '; p++)
        if (*p == '?' || *p == '!') return true;
    return false;
}

/* Does the full stop at `at`, of the word that begins at `begin`, with `next` behind it, end a
   sentence? */
static bool ft__sentence_stops(const char *begin, const char *at, const char *next, const char *end,
                               bool lines) {
    const char *p = at, *stop = next;
    bool number = true, initial;
    while (p > begin && at - p < 32 && !ft__sentence_is_mark(p[-1]) && p[-1] != ',') p--;
    while (stop < end && stop - next < 32 && ft__is_word((uint8_t)*stop)) stop++;
    ft__view word = {p, (size_t)(at - p)}, behind = {next, (size_t)(stop - next)};
    int letter = ft__sentence_letter(next, end);
    if (word.n == 0) return true;
    if (letter == 'A' && FT__SENTENCE_IN(ft__sentence_starters, behind)) return true;
    if (next > at + 1 && ft__sentence_shouts(next, end)) return true;
    for (const char *c = p; c < at; c++) number = number && *c < '@' && strchr("0123456789,.-", *c);
    if (number && *p != '.') return letter != 'a';
    if (at[-1] == '.' || FT__SENTENCE_IN(ft__sentence_times, word)) return letter == 'A';
    stop = p;
    initial = ft__char_class_of(ft__utf8_next(&stop, at)) <= FT__UNICODE_LO && stop == at;
    return !initial && !FT__SENTENCE_IN(ft__sentence_names, word) &&
           !(lines && FT__SENTENCE_IN(ft__sentence_extra, word));
}
#undef FT__SENTENCE_IN

/* Past the characters that are no white space; with `lines` past a full stop of another script at
   the farthest, and *stopped then. */
static const char *ft__sentence_chunk(const char *p, const char *end, bool lines, bool *stopped) {
    static const uint32_t stops[] = {0x3002, 0xFF01, 0xFF1F, 0x964, 0x6D4, 0x61F};
    *stopped = false;
    while (p < end && !*stopped) {
        const char *q = p;
        if ((uint8_t)*p > ' ' && (uint8_t)*p < 0x7F) {
            p++;
            continue;
        }
        uint32_t c = ft__utf8_next(&q, end);
        if (ft__is_space(c)) break;
        for (size_t i = 0; lines && i < FT__COUNT(stops); i++) *stopped |= c == stops[i];
        p = q;
    }
    return p;
}

/* The last place in a chunk where a sentence may end, `end` if there is none: before a mark, or at
   the end of the chunk, if that is not the end of the text. */
static const char *ft__sentence_candidate(const char *begin, const char *end, bool lines,
                                          bool more) {
    for (const char *p = end; p-- > begin;) {
        const char *behind = p + 1;
        if (*p != '.' && *p != '?' && *p != '!') continue;
        if (behind == end ? more : ft__sentence_is_mark(*behind)) return p;
        if (lines && behind < end &&
            ft__char_class_of(ft__utf8_next(&behind, end)) == FT__UNICODE_P)
            return p;
    }
    return end;
}

/* Past white space; does a line end in it? */
static const char *ft__sentence_blank(const char *p, const char *end, bool *line) {
    for (const char *q = p; q < end; p = q) {
        uint32_t c = ft__utf8_next(&q, end);
        if (!ft__is_space(c)) break;
        *line |= c == '\n' || c == '\r' || c == 0x2028 || c == 0x2029;
    }
    return p;
}

/* A chunk without white space holds the end of one sentence at most. */
FT__PRIV bool ft__text_next_sentence(const char **p, const char *end, bool lines,
                                     ft__view *sentence) {
    bool line = false, stopped = false;
    const char *begin = ft__sentence_blank(*p, end, &line), *stop = begin;
    *p = begin;
    if (begin == end) return false;
    for (const char *chunk = begin; chunk < end && !stopped; chunk = *p) {
        line = false;
        stop = ft__sentence_chunk(chunk, end, lines, &stopped);
        *p = ft__sentence_blank(stop, end, &line);
        stopped |= lines && line;
        if (stopped) break;
        const char *at = ft__sentence_candidate(chunk, stop, lines, *p < end);
        if (at == stop) continue;
        const char *tail = at + 1;
        if (*at == '.' && !ft__sentence_stops(chunk, at, tail == stop ? *p : tail, end, lines))
            continue;
        /* Quotes and brackets that close go with their sentence, with `lines` footnotes too. */
        while (tail < stop && (lines || (*tail && strchr("\"')]}", *tail)))) tail++;
        if (tail < stop) *p = stop = at + 1;
        stopped = true;
    }
    sentence->text = begin;
    sentence->n = (size_t)(stop - begin);
    return true;
}

/* ---- the evaluator */

/* Is this code, perhaps with a region ("pt-BR"), the language?  Both of Norway's are "no"; "zh" is
   Chinese in either form. */
static bool ft__language_is(const char *language, ft__view code) {
    size_t n = strlen(language), base = 0;
    while (base < code.n && code.text[base] != '-' && code.text[base] != '_') base++;
    if (base == 2 && (memcmp(code.text, "nb", 2) == 0 || memcmp(code.text, "nn", 2) == 0))
        return strcmp(language, "no") == 0;
    if (code.n == 5 && n == 5) return memcmp(language, code.text, 2) == 0 &&
                                      (code.text[3] | 0x20) == language[3] &&
                                      (code.text[4] | 0x20) == language[4];
    return base == 2 && base <= n && memcmp(language, code.text, 2) == 0;
}

static bool ft__language_known(ft__view code) {
    for (size_t i = 0; i < FT__COUNT(ft__languages); i++)
        if (ft__language_is(ft__languages[i].code, code)) return true;
    return false;
}

static ft_status ft__language_prepare(ft_evaluator *e, ft_error *err) {
    const ft__json *code = ft__param(e, "language");
    if (code->type == FT__JSON_NULL) return FT_OK;
    if (code->type == FT__JSON_STRING && ft__language_known(ft__json_view(code))) return FT_OK;
    return ft__param_bad(e, "language", "the code of a language that we know, as \"en\"", err);
}

static bool ft__language_score(const ft_evaluator *e, const ft_row *row, ft__view output,
                               ft_score *score) {
    ft__view wanted = ft__json_as_text(ft__param(e, "language"));
    char excerpt[64];
    if (!wanted.text && !ft__row_text(row, "language", &wanted, score)) return true;
    ft__text_excerpt(wanted, excerpt);
    if (!ft__language_known(wanted))
        return ft__score_error(score, "\"%s\" is no code of a language that we know", excerpt);
    const char *found = ft__language_guess(output);
    score->value = found && ft__language_is(found, wanted);
    if (!found) ft__score_detail(score, "expected %s, found no letters of a language", excerpt);
    else if (score->value < 1)
        ft__score_detail(score, "expected %s, looks like %s", excerpt, found);
    return true;
}

FT__PRIV const ft__evaluator_kind *ft__language_evaluators(size_t *n) {
    static const ft__evaluator_kind kinds[] = {
        {{"language",
          "the output seems to be in the language of the parameter or of the row (a guess by "
          "frequent words and letters; unsure for a few words and for close relatives)",
          "language", "{\"language\": null, \"threshold\": 1}",
          0, 1, true, 1, "language|words-letters-55|v1", FT_FROM_TEXT},
         0, ft__language_prepare, ft__language_score, NULL},
    };
    *n = FT__COUNT(kinds);
    return kinds;
}
