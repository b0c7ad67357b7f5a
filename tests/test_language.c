/* Guessed languages and the ends of sentences. */
#include "../src/eval/eval.h"
#include "test.h"

static ft__view view(const char *text) {
    ft__view v = {text, strlen(text)};
    return v;
}

static const char *guess(const char *text) {
    const char *code = ft__language_guess(view(text));
    return code ? code : "none";
}

static const struct {
    const char *code, *text;
} samples[] = {
    {"en", "My neighbour has sold his old boat. Now he wants to learn how to bake bread."},
    {"es", "Mi vecino ha vendido su viejo barco. Ahora quiere aprender a hacer pan."},
    {"fr", "Mon voisin a vendu son vieux bateau. Maintenant il veut apprendre à faire du pain."},
    {"de",
     "Mein Nachbar hat sein altes Boot verkauft. Jetzt möchte er lernen, wie man Brot backt."},
    {"pt", "O meu vizinho vendeu o seu velho barco. Agora ele quer aprender a fazer pão."},
    {"it", "Il mio vicino ha venduto la sua vecchia barca. Adesso vuole imparare a fare il pane."},
    {"nl", "Mijn buurman heeft zijn oude boot verkocht. Nu wil hij leren hoe je brood bakt."},
    {"pl", "Mój sąsiad sprzedał swoją starą łódź. Teraz chce się nauczyć piec chleb."},
    {"tr", "Komşum eski teknesini sattı. Şimdi ekmek yapmayı öğrenmek istiyor."},
    {"vi", "Người hàng xóm của tôi đã bán chiếc thuyền cũ. Bây giờ anh ấy muốn học làm bánh mì."},
    {"id",
     "Tetangga saya sudah menjual perahunya yang tua. Sekarang dia ingin belajar membuat roti."},
    {"sv", "Min granne har sålt sin gamla båt. Nu vill han lära sig att baka bröd."},
    {"no", "Naboen min har solgt den gamle båten sin. Nå vil han lære seg å bake brød."},
    {"da", "Min nabo har solgt sin gamle båd. Nu vil han gerne lære, hvad der skal til af mel."},
    {"fi", "Naapurini on myynyt vanhan veneensä. Nyt hän haluaa oppia leipomaan leipää."},
    {"cs", "Můj soused prodal svou starou loď. Teď se chce naučit péct chléb."},
    {"ro", "Vecinul meu și-a vândut barca veche. Acum vrea să învețe să facă pâine."},
    {"hu",
     "A szomszédom eladta a régi hajóját. Most meg akarja tanulni, hogyan kell kenyeret sütni."},
    {"sw", "Jirani yangu ameuza mashua yake ya zamani. Sasa anataka kujifunza kuoka mkate."},
    {"hr",
     "Moj susjed je prodao svoj stari brod. Sada želi naučiti kako se peče kruh, jer je gladan."},
    {"sk", "Môj sused predal svoju starú loď. Teraz sa chce naučiť piecť chlieb."},
    {"sl",
     "Moj sosed je prodal svojo staro ladjo. Zdaj se želi naučiti, kako se peče kruh in kolač."},
    {"ca", "El meu veí ha venut la seva barca vella. Ara vol aprendre a fer pa amb ells."},
    {"tl", "Ibinenta ng kapitbahay ko ang kanyang lumang bangka. Ngayon gusto niya matuto."},
    {"lt", "Mano kaimynas pardavė savo seną valtį. Dabar jis nori išmokti kepti duoną."},
    {"lv", "Mans kaimiņš ir pārdevis savu veco laivu. Tagad viņš grib iemācīties cept maizi."},
    {"et", "Minu naaber müüs oma vana paadi maha. Nüüd tahab ta õppida leiba küpsetama."},
    {"af", "My buurman het sy ou boot verkoop. Nou wil hy leer hoe om brood te bak."},
    {"sq", "Fqinji im e shiti varkën e vjetër. Tani ai do të mësojë të bëjë bukë."},
    {"cy", "Mae fy nghymydog wedi gwerthu ei hen gwch. Nawr mae eisiau dysgu pobi bara."},
    {"so",
     "Deriskaygu wuxuu iibiyay doontiisii hore. Hadda waa inuu barto ka dibna waxaa la cunaa."},
    {"ru", "Мой сосед продал свою старую лодку. Теперь он хочет научиться печь хлеб."},
    {"uk", "Мій сусід продав свій старий човен. Тепер він хоче навчитися пекти хліб."},
    {"bg", "Съседът ми продаде старата си лодка. Сега той иска да се научи да пече хляб."},
    {"mk", "Мојот сосед го продаде стариот чамец. Сега тој сака да научи да пече леб."},
    {"ar", "باع جاري قاربه القديم. والآن يريد أن يتعلم كيف يخبز الخبز في البيت."},
    {"fa", "همسایه من قایق قدیمی خود را فروخت. حالا می‌خواهد پختن نان را یاد بگیرد."},
    {"ur", "میرے پڑوسی نے اپنی پرانی کشتی بیچ دی ہے۔ اب وہ روٹی پکانا سیکھنا چاہتا ہے۔"},
    {"hi", "मेरे पड़ोसी ने अपनी पुरानी नाव बेच दी है। अब वह रोटी बनाना सीखना चाहता है।"},
    {"mr", "माझ्या शेजाऱ्याने आपली जुनी होडी विकली आहे. आता तो पाव बनवायला शिकणार आहे."},
    {"ne", "मेरो छिमेकीले आफ्नो पुरानो डुङ्गा बेच्यो। अब ऊ रोटी बनाउन सिक्न चाहन्छ र खुसी छ।"},
    {"zh-cn", "我的邻居把他的旧船卖了。现在他想学怎么做面包,因为这个很有意思。"},
    {"zh-tw", "我的鄰居把他的舊船賣了。現在他想學怎麼做麵包,因為這個很有意思。"},
    {"ja", "隣の人は古い船を売りました。今はパンの焼き方を習いたいそうです。"},
    {"ko", "이웃이 낡은 배를 팔았습니다. 이제 그는 빵 굽는 법을 배우고 싶어 합니다."},
    {"el", "Ο γείτονάς μου πούλησε την παλιά του βάρκα."},
    {"he", "השכן שלי מכר את הסירה הישנה שלו. עכשיו הוא רוצה ללמוד לאפות לחם."},
    {"bn", "আমার প্রতিবেশী তার পুরানো নৌকা বিক্রি করেছে।"},
    {"pa", "ਮੇਰੇ ਗੁਆਂਢੀ ਨੇ ਆਪਣੀ ਪੁਰਾਣੀ ਕਿਸ਼ਤੀ ਵੇਚ ਦਿੱਤੀ ਹੈ।"},
    {"gu", "મારા પાડોશીએ તેની જૂની હોડી વેચી દીધી છે."},
    {"ta", "என் அண்டை வீட்டுக்காரர் தனது பழைய படகை விற்றுவிட்டார்."},
    {"te", "నా పొరుగువాడు తన పాత పడవను అమ్మేశాడు."},
    {"kn", "ನನ್ನ ನೆರೆಯವರು ತಮ್ಮ ಹಳೆಯ ದೋಣಿಯನ್ನು ಮಾರಿದ್ದಾರೆ."},
    {"ml", "എന്റെ അയൽക്കാരൻ തന്റെ പഴയ വഞ്ചി വിറ്റു."},
    {"th", "เพื่อนบ้านของฉันขายเรือเก่าของเขาไปแล้ว"},
};

TEST(language, all_that_we_know) {
    for (size_t i = 0; i < FT__COUNT(samples); i++) CHECK_TEXT(guess(samples[i].text),
        samples[i].code);
}

TEST(language, plain_words_and_capitals) {
    CHECK_TEXT(guess("WHERE IS THE NEAREST STATION, AND WHEN DOES IT OPEN?"), "en");
    CHECK_TEXT(guess("WO IST DER NÄCHSTE BAHNHOF, UND WANN ÖFFNET ER?"), "de");
    CHECK_TEXT(guess("ГДЕ БЛИЖАЙШИЙ ВОКЗАЛ И КОГДА ОН ОТКРЫВАЕТСЯ?"), "ru");
    CHECK_TEXT(guess("In this text the Russian word хлеб stands for bread."), "en");
    CHECK_TEXT(guess("Das Wort \"weekend\" kommt aus dem Englischen."), "de");
    CHECK_TEXT(guess("东京的天气"), "zh-cn");
    CHECK_TEXT(guess("東京の天気"), "ja");
}

TEST(language, nothing_to_tell) {
    CHECK_TEXT(guess(""), "none");
    CHECK_TEXT(guess("12 + 34 = 46 !?"), "none");
    CHECK_TEXT(guess("\xFF\xC3\x00"), "none");
    CHECK_TEXT(guess("გამარჯობა"), "none"); /* Georgian: letters that we do not know */
    CHECK_TEXT(guess("Zzyzx"), "en");
    char *text = (char *)malloc(200001);
    memset(text, 'q', 200000);
    text[200000] = 0;
    CHECK_TEXT(guess(text), "en");
    free(text);
}

static ft_score judge(const char *params, const char *row_json, const char *output) {
    ft_error err = {FT_OK, "", ""};
    ft_score s;
    ft_evaluator *e = ft_evaluator_create("language", params, NULL, &err);
    ft_row *row = ft_row_parse(row_json, strlen(row_json), NULL, &err);
    memset(&s, 0, sizeof s);
    if (CHECK(e && row)) CHECK_OK(ft_evaluate(e, row, output, strlen(output), &s, &err), err);
    ft_row_free(row);
    ft_evaluator_free(e);
    return s;
}

TEST(language, evaluator) {
    ft_score s = judge(NULL, "{\"language\": \"de\"}",
        "Das ist ein Haus, und der Garten ist groß.");
    CHECK(s.state == FT_SCORED && s.value == 1 && s.pass);
    s = judge(NULL, "{\"language\": \"fr\"}", "Das ist ein Haus.");
    CHECK(s.state == FT_SCORED && s.value == 0 && !s.pass);
    CHECK_TEXT(s.detail, "expected fr, looks like de");
    s = judge("{\"language\": \"pt-BR\"}", "{}", "Não sei o que é isto, mas você sabe.");
    CHECK_INT(s.value, 1);
    s = judge("{\"language\": \"zh\"}", "{}", samples[42].text);
    CHECK_INT(s.value, 1);
    s = judge("{\"language\": \"zh-TW\"}", "{}", "这是一个问题。");
    CHECK_INT(s.value, 0);
    s = judge("{\"language\": \"nb\"}", "{}", "Jeg vet ikke hva det er.");
    CHECK_INT(s.value, 1);
    s = judge("{\"language\": \"en\"}", "{}", "42");
    CHECK(s.state == FT_SCORED && s.value == 0);
    CHECK_TEXT(s.detail, "expected en, found no letters of a language");
    s = judge(NULL, "{\"language\": \"klingon\"}", "nuqneH");
    CHECK_INT(s.state, FT_SCORE_ERROR);
    CHECK_TEXT(s.detail, "\"klingon\" is no code of a language that we know");
    s = judge(NULL, "{\"language\": [1]}", "x");
    CHECK_INT(s.state, FT_SCORE_ERROR);
}

TEST(language, unknown_codes_are_refused) {
    ft_error err;
    CHECK(!ft_evaluator_create("language", "{\"language\": \"xx\"}", NULL, &err));
    CHECK_ERROR(err.code, FT_ERR_ARGUMENT, err,
        "language: parameter \"language\" must be the code");
}

/* Sentences with '|' between them. */
static const char *split(const char *text, size_t n, bool lines) {
    static char out[1000];
    const char *p = text, *end = text + n;
    ft__view sentence;
    size_t used = 0;
    while (ft__text_next_sentence(&p, end, lines, &sentence)) {
        if (used) out[used++] = '|';
        memcpy(out + used, sentence.text, sentence.n);
        used += sentence.n;
    }
    out[used] = 0;
    return out;
}

TEST(language, sentences_of_punkt) {
    static const char *const cases[][2] = {
        {"", ""},
        {"  \n ", ""},
        {"No end", "No end"},
        {" One. Two!  Three? Four", "One.|Two!|Three?|Four"},
        {"one. two. three.", "one.|two.|three."},
        {"Ask Dr. Jones, Mrs. Li or Prof. Kim.", "Ask Dr. Jones, Mrs. Li or Prof. Kim."},
        {"It opens at 9 a.m. and closes at 5 p.m. Come early.",
         "It opens at 9 a.m. and closes at 5 p.m.|Come early."},
        {"J. R. Miller was there.", "J. R. Miller was there."},
        {"He works for Foo Inc. The shares fell.", "He works for Foo Inc.|The shares fell."},
        {"He works for Foo Inc. Bar bought it.", "He works for Foo Inc. Bar bought it."},
        {"It is 3.5 percent. See v1.2.3 there.", "It is 3.5 percent.|See v1.2.3 there."},
        {"1. Clean. 2. Dry.", "1.|Clean.|2.|Dry."},
        {"in 1990. then", "in 1990. then"},
        {"Well... maybe. Well... Maybe.", "Well... maybe.|Well...|Maybe."},
        {"Well... what?! Yes.", "Well...|what?!|Yes."},
        {"\"Stop!\" he said. (It was late.) Then he left.",
         "\"Stop!\"|he said.|(It was late.)|Then he left."},
        {"**Bold.** Plain.", "**Bold.|** Plain."},
        {"a?b=c d", "a?b=c d"},
        {"line one\nline two. three", "line one\nline two.|three"},
        {"好。好。", "好。好。"},
    };
    for (size_t i = 0; i < FT__COUNT(cases); i++)
        CHECK_TEXT(split(cases[i][0], strlen(cases[i][0]), false), cases[i][1]);
}

TEST(language, sentences_of_a_reader) {
    static const char *const cases[][2] = {
        {"- one\n- two\r\n\nThree. Four", "- one|- two|Three.|Four"},
        {"**Bold.** Plain.[1] Next.", "**Bold.**|Plain.[1]|Next."},
        {"See e.g. Figure 2, i.e. Fig. 3. Done.", "See e.g. Figure 2, i.e. Fig. 3.|Done."},
        {"He said “No.” Then “Yes?” and left.", "He said “No.”|Then “Yes?”|and left."},
        {"好。他好吗？好", "好。|他好吗？|好"},
        {"यह है। वह है।", "यह है।|वह है।"},
    };
    for (size_t i = 0; i < FT__COUNT(cases); i++)
        CHECK_TEXT(split(cases[i][0], strlen(cases[i][0]), true), cases[i][1]);
}

/* No text may take more than linear time: each fill has one sort of trap. */
TEST(language, sentences_of_huge_texts) {
    static const char *const fills[] = {"a.", "a ", ". ", "?!", "Dr. ", "\n", "。", "A. ", "1. a ",
        "(\"."};
    enum { N = 2000000 };
    char *text = (char *)malloc(N);
    for (size_t f = 0; f < FT__COUNT(fills); f++)
        for (int lines = 0; lines < 2; lines++) {
            const char *p = text, *last = text;
            ft__view sentence;
            double start = ft__seconds();
            for (size_t i = 0; i < N; i++) text[i] = fills[f][i % strlen(fills[f])];
            while (ft__text_next_sentence(&p, text + N, lines != 0, &sentence)) {
                if (sentence.n == 0 || sentence.text < last) CHECK(false);
                last = sentence.text + sentence.n;
            }
            CHECK(ft__seconds() - start < 3);
        }
    free(text);
    CHECK_TEXT(split("a\0b. \xFF\xFE. \xC3", 11, false), "a"); /* NUL is text */
    CHECK_TEXT(split("\xFF\xFE. \xC3", 5, true), "\xFF\xFE.|\xC3");
}
