/* Grounding: a labelled set of our own, then the single rules. */
#include "../src/eval/eval.h"
#include "test.h"

static ft_score judge_with(const char *name, const char *params, const char *row_json,
                           const char *output, size_t n) {
    ft_error err = {FT_OK, "", ""};
    ft_score s;
    ft_evaluator *e = ft_evaluator_create(name, params, NULL, &err);
    ft_row *row = ft_row_parse(row_json, strlen(row_json), NULL, &err);
    memset(&s, 0, sizeof s);
    if (!e || !row) test_note("%s: %s", name, err.message);
    if (CHECK(e && row)) CHECK_OK(ft_evaluate(e, row, output, n, &s, &err), err);
    ft_row_free(row);
    ft_evaluator_free(e);
    return s;
}

static ft_score judge(const char *name, const char *row_json, const char *output) {
    return judge_with(name, NULL, row_json, output, strlen(output));
}

/* ---- the labelled set

   A context, an answer in other words, one in its own words, and answers with one thing wrong: n a
   number, a a name, d a date, ! the negation or the opposite, + an invented addition, s roles
   swapped (which bags of words cannot see; listed apart). */
typedef struct labelled_row {
    const char *context, *paraphrase, *extract;
    const char *wrong[4]; /* the first character says what */
} labelled_row;

static const labelled_row labelled[] = {
    /* shops */
    {"Refunds are available within 30 days of purchase if the item is unused. Digital goods are "
     "not refundable. "
     "Refunds are paid to the original card within 5 business days.",
     "You can get a refund for an unused product up to thirty days after buying it.",
     "Digital goods are not refundable.",
     {"nYou can get a refund for an unused product up to 90 days after buying it.",
      "!Digital goods are refundable.",
      "+Refunds are available within 30 days of purchase and include a gift voucher from "
      "Harrods."}},
    {"Order A-1042 was shipped on 3 May 2023 with DHL from our warehouse in Leipzig. It weighs 2.4 "
     "kg and should "
     "arrive by Friday.",
     "The parcel with order A-1042 left the Leipzig warehouse on May 3, 2023 and was handed to "
     "DHL.",
     "It weighs 2.4 kg and should arrive by Friday.",
     {"dThe parcel with order A-1042 left the Leipzig warehouse on May 8, 2023.",
      "aOrder A-1042 was shipped with FedEx from our warehouse in Leipzig.",
      "nOrder A-1042 weighs 4.2 kg and should arrive by Friday.",
      "aOrder B-2042 was shipped on 3 May 2023."}},
    {"Standard delivery costs $4.99 and is free for orders over $50. Express delivery costs $12 "
     "and takes one "
     "working day.",
     "If you spend more than 50 dollars, standard shipping is free of charge; otherwise it costs "
     "$4.99.",
     "Express delivery costs $12 and takes one working day.",
     {"nExpress delivery costs $15 and takes one working day.", "nExpress shipping costs $4.99.",
      "+Express delivery costs $12 and includes insurance by Allianz."}},
    {"The warranty covers manufacturing defects for two years. It does not cover water damage or "
     "scratches. "
     "Repairs are carried out in Graz.",
     "For 24 months the guarantee covers faults in manufacturing.",
     "It does not cover water damage or scratches.",
     {"nFor 36 months the guarantee covers faults in manufacturing.",
      "!The warranty covers water damage and scratches.", "aRepairs are carried out in Linz."}},
    {"Members of the Gold plan pay 20 percent less and may bring two guests. The Silver plan has a "
     "discount of 10 "
     "percent. Both plans end on 31 December.",
     "With the Gold plan members save 20% and can take two guests along.",
     "The Silver plan has a discount of 10 percent.",
     {"nThe Silver plan has a discount of 20 percent.", "dBoth plans end on 30 November.",
      "nWith the Gold plan members save 35% and can take two guests along."}},
    {"To cancel a subscription, open Settings and choose Billing. The change takes effect at the "
     "end of the month. "
     "Accounts without payment for 90 days are deleted.",
     "A subscription is cancelled under Settings, Billing, and this becomes effective at the "
     "month's end.",
     "Accounts without payment for 90 days are deleted.",
     {"nAccounts without payment for 60 days are deleted.",
      "!Accounts without payment for 90 days are not deleted.",
      "+To cancel a subscription, write a letter to Mr Robertson in Dublin."}},
    {"The Norvik lamp uses a 9 watt bulb and is rated for indoor use only. The cable is 1.8 metres "
     "long. It was "
     "designed by Lena Holm.",
     "Lena Holm is the designer of the Norvik lamp, whose bulb needs 9 watts.",
     "The cable is 1.8 metres long.",
     {"nThe cable is 2.8 metres long.", "aThe Norvik lamp was designed by Erik Holm.",
      "!The Norvik lamp is rated for outdoor use.", "aPeter designed the Norvik lamp."}},
    {"Support is open Monday to Friday from 9:00 to 17:00. On public holidays the office is "
     "closed. Urgent cases "
     "reach us at help@norvik.example.",
     "The support team can be reached on weekdays, Monday to Friday, between 9 am and 5 pm.",
     "On public holidays the office is closed.",
     {"nSupport is open Monday to Friday from 9:00 to 20:00.",
      "!On public holidays the office is open.", "aUrgent cases reach us at urgent@norvik.example.",
      "dSupport is open Monday to Sunday from 9:00 to 17:00."}},
    /* medicine leaflets */
    {"Take one tablet of Velorin twice a day after meals. Do not take more than 3 tablets in 24 "
     "hours. Children "
     "under 12 must not use this medicine.",
     "The maximum is three tablets of Velorin within 24 hours.",
     "Children under 12 must not use this medicine.",
     {"nThe maximum is eight tablets of Velorin within 24 hours.",
      "!Children under 12 can use this medicine.",
      "!Take one tablet of Velorin twice a day before meals.",
      "aTake one tablet of Brenadol twice a day after meals."}},
    {"Store the vaccine between 2 and 8 degrees Celsius. Do not freeze it. Once opened, a vial "
     "must be used within 6 "
     "hours.",
     "The vaccine has to be kept at 2 to 8 degrees, and an opened vial used in at most six hours.",
     "Do not freeze it.",
     {"nOnce opened, a vial must be used within 16 hours.",
      "nStore the vaccine between 12 and 18 degrees Celsius.",
      "+Store the vaccine between 2 and 8 degrees Celsius in the dark blue box supplied by "
      "Bayer."}},
    {"In the trial, 412 patients received the drug and 398 a placebo. Headache occurred in 7% of "
     "the treated "
     "patients. No deaths were reported.",
     "412 patients got the medication, of whom 7 percent had headaches.",
     "No deaths were reported.",
     {"n512 patients got the medication, of whom 7 percent had headaches.",
      "nHeadache occurred in 17% of the treated patients.", "!Deaths were reported.",
      "n398 patients received the drug."}},
    {"Ibuprofen can irritate the stomach and should be taken with food. It must not be combined "
     "with warfarin. Side "
     "effects include nausea and dizziness.",
     "Because it may irritate the stomach, ibuprofen is best taken together with a meal.",
     "Side effects include nausea and dizziness.",
     {"!Ibuprofen can be combined with warfarin.", "!Ibuprofen should be taken without food.",
      "+Side effects include nausea, dizziness and permanent loss of hearing in children."}},
    {"Dr. Amara Okafor leads the clinic's heart unit. It treated 1,250 people in 2022, a third of "
     "them over 80 "
     "years old. Visits are possible daily.",
     "The heart unit under Amara Okafor treated one thousand two hundred and fifty people in 2022.",
     "Visits are possible daily.",
     {"aThe heart unit under Daniel Okafor treated 1,250 people in 2022.",
      "nThe heart unit treated 2,250 people in 2022.",
      "dThe heart unit treated 1,250 people in 2020.", "!Visits are not possible."}},
    {"A fever above 39 degrees that lasts more than three days should be seen by a doctor. Rest "
     "and plenty of water "
     "help most patients.",
     "See a physician when a fever higher than 39 degrees goes on for over three days.",
     "Rest and plenty of water help most patients.",
     {"nSee a physician when a fever higher than 41 degrees goes on for over three days.",
      "nA fever that lasts more than ten days should be seen by a doctor.",
      "+Rest and plenty of brandy cure the infection overnight."}},
    /* history */
    {"The bridge was designed by Clara Whitmore and opened in 1931. It crosses the river Tarn and "
     "is 640 metres long. "
     "Construction took four years.",
     "Clara Whitmore designed the 640 m long bridge over the Tarn, which was opened in 1931.",
     "Construction took four years.",
     {"dThe bridge was designed by Clara Whitmore and opened in 1951.",
      "aThe bridge was designed by Helen Whitmore and opened in 1931.",
      "nIt crosses the river Tarn and is 460 metres long.", "aJohnson designed the bridge."}},
    {"Napoleon was born in Ajaccio in 1769. He became emperor in 1804 and was exiled to Elba in "
     "1814. He died on "
     "Saint Helena on 5 May 1821.",
     "Born in Ajaccio in 1769, Napoleon died on 5 May 1821 on Saint Helena.",
     "He became emperor in 1804 and was exiled to Elba in 1814.",
     {"dNapoleon was born in Ajaccio in 1779.", "aNapoleon was born in Marseille in 1769.",
      "dHe was exiled to Elba in 1804.", "dHe died on Saint Helena on 5 June 1821."}},
    {"The University of Dorpat was founded in 1632 by King Gustavus Adolphus. It was closed in "
     "1710 and reopened in "
     "1802. Today it has 14,000 students.",
     "King Gustavus Adolphus established the University of Dorpat in 1632, and it now has 14,000 "
     "students.",
     "It was closed in 1710 and reopened in 1802.",
     {"dThe University of Dorpat was founded in 1802 by King Gustavus Adolphus.",
      "aThe University of Dorpat was founded in 1632 by King Charles.",
      "nToday it has 40,000 students.", "!The University of Dorpat was not closed in 1710."}},
    {"In 1911 Roald Amundsen reached the South Pole on 14 December. Robert Scott arrived 34 days "
     "later. Scott and "
     "his four companions died on the way back.",
     "On December 14, 1911 Amundsen got to the South Pole, 34 days ahead of Scott.",
     "Scott and his four companions died on the way back.",
     {"dOn December 4, 1911 Amundsen got to the South Pole.",
      "aErnest Shackleton reached the South Pole on 14 December 1911.",
      "nRobert Scott arrived 14 days later.",
      "sRobert Scott reached the South Pole, and Roald Amundsen arrived 34 days later."}},
    {"The treaty was signed in Vienna on 15 March 1955. It ended the occupation and made the "
     "country neutral. France "
     "and Britain were among the signatories.",
     "Signed on March 15, 1955 in Vienna, the treaty put an end to the occupation.",
     "France and Britain were among the signatories.",
     {"dThe treaty was signed in Vienna on 15 March 1965.",
      "aThe treaty was signed in Geneva on 15 March 1955.",
      "aItaly and Britain were among the signatories.",
      "+The treaty was signed in Vienna, and the country received a loan of 300 million dollars."}},
    {"The Great Fire of Halden destroyed 400 houses in 1759. Nobody was killed. The town was "
     "rebuilt in brick under "
     "mayor Jens Lund.",
     "In 1759 a great fire destroyed four hundred houses in Halden, and nobody died.",
     "The town was rebuilt in brick under mayor Jens Lund.",
     {"nThe Great Fire of Halden destroyed 4,000 houses in 1759.",
      "aThe town was rebuilt in brick under mayor Ole Lund.",
      "!The fire of Halden killed somebody.",
      "+The Great Fire of Halden was started by a drunken baker."}},
    {"Ada Lovelace published notes on the Analytical Engine in 1843. Charles Babbage never "
     "completed the machine. Her "
     "notes contain an algorithm for Bernoulli numbers.",
     "Babbage's Analytical Engine, on which Ada Lovelace published notes in 1843, was never "
     "completed.",
     "Her notes contain an algorithm for Bernoulli numbers.",
     {"dAda Lovelace published notes on the Analytical Engine in 1834.",
      "!Charles Babbage completed the machine.",
      "aMary Lovelace published notes on the Analytical Engine in 1843.",
      "sCharles Babbage published notes on the Analytical Engine."}},
    /* sports */
    {"Rovers beat United 3-1 on Saturday. Marta Silva scored twice and Jo Kern once. The match was "
     "watched by 21,430 "
     "fans in Leeds.",
     "In front of 21,430 fans in Leeds, Rovers won 3-1 against United, with two goals by Marta "
     "Silva.",
     "Marta Silva scored twice and Jo Kern once.",
     {"nRovers beat United 4-1 on Saturday.", "aLucy Bright scored twice and Jo Kern once.",
      "nThe match was watched by 31,430 fans in Leeds.", "sUnited beat Rovers 3-1 on Saturday."}},
    {"Kenji Mori won the Osaka marathon in 2 hours 9 minutes. The runner-up was Paul Tergat. It "
     "was Mori's fifth title "
     "in the city.",
     "The Osaka marathon was won by Kenji Mori, who needed 2 hours and 9 minutes.",
     "It was Mori's fifth title in the city.",
     {"nThe Osaka marathon was won by Kenji Mori, who needed 2 hours and 19 minutes.",
      "aThe Osaka marathon was won by Haruki Mori.", "nIt was Mori's seventh title in the city.",
      "sPaul Tergat won the Osaka marathon."}},
    {"The Harbour Bowl seats 52,000 people and opened in 1998. It was renovated in 2014 for 80 "
     "million euros. The "
     "Sharks have played there since.",
     "The Harbour Bowl, opened in 1998, has room for 52,000 people.",
     "It was renovated in 2014 for 80 million euros.",
     {"nIt was renovated in 2014 for 18 million euros.",
      "nThe Harbour Bowl seats 25,000 people and opened in 1998.",
      "dThe Harbour Bowl was renovated in 1998.", "aThe Tigers have played there since."}},
    {"Elena Petrova lost the final in three sets. She had won the title in 2019 and 2021. An "
     "injury to her left wrist "
     "kept her out last year.",
     "Petrova, champion in 2019 and 2021, lost the final in three sets.",
     "An injury to her left wrist kept her out last year.",
     {"!Elena Petrova won the final in three sets.", "dShe had won the title in 2018 and 2021.",
      "nElena Petrova lost the final in five sets.",
      "+Elena Petrova lost the final because of a bribe."}},
    {"The club signed goalkeeper Tom Adeyemi from Lyon for 12 million pounds. His contract runs "
     "until June 2027. He "
     "is 24 years old.",
     "Goalkeeper Tom Adeyemi, aged 24, came from Lyon for \xC2\xA3"
     "12m.",
     "His contract runs until June 2027.",
     {"nThe club signed goalkeeper Tom Adeyemi from Lyon for 21 million pounds.",
      "aThe club signed goalkeeper Tom Adeyemi from Porto for 12 million pounds.",
      "dHis contract runs until June 2029.", "nTom Adeyemi is 34 years old."}},
    /* law */
    {"The tenant must give notice of three months in writing. The deposit is two monthly rents and "
     "is returned within "
     "60 days. Pets are not allowed without consent.",
     "Notice has to be given by the tenant in writing, 3 months ahead.",
     "The deposit is two monthly rents and is returned within 60 days.",
     {"nNotice has to be given by the tenant in writing, 6 months ahead.",
      "!Pets are allowed without consent.",
      "nThe deposit is two monthly rents and is returned within 30 days."}},
    {"Section 12 of the act bans smoking in restaurants. Violations are punished with a fine of up "
     "to 500 euros. The "
     "act came into force on 1 July 2010.",
     "Under section 12 smoking is forbidden in restaurants, and violations can be fined with up to "
     "EUR 500.",
     "The act came into force on 1 July 2010.",
     {"nViolations are punished with a fine of up to 5,000 euros.",
      "!Section 12 of the act allows smoking in restaurants.",
      "dThe act came into force on 1 January 2010."}},
    {"The court in Malmo sentenced Viktor Lind to four years for fraud. The judge, Karin Berg, "
     "rejected his appeal. "
     "He had sold shares in a company that did not exist.",
     "Viktor Lind was sentenced to four years in prison for fraud by the court in Malmo.",
     "The judge, Karin Berg, rejected his appeal.",
     {"nViktor Lind was sentenced to fourteen years for fraud.",
      "aThe court in Malmo sentenced Oskar Lind to four years for fraud.",
      "!The judge, Karin Berg, accepted his appeal.",
      "sThe judge, Viktor Lind, rejected the appeal of Karin Berg."}},
    {"Employees with children under eight may work from home on two days per week. The rule does "
     "not apply to staff "
     "in production. Requests go to the HR department.",
     "Staff whose children are younger than eight may work at home two days a week.",
     "Requests go to the HR department.",
     {"nStaff whose children are younger than eight may work at home four days a week.",
      "!The rule applies to staff in production.", "+Requests go to Mrs Henderson."}},
    {"A consumer can withdraw from a distance contract within 14 days without giving a reason. The "
     "seller then has to "
     "repay all payments. The right does not exist for sealed software once it was opened.",
     "Within two weeks a consumer may withdraw from a distance contract; no reason has to be "
     "given.",
     "The seller then has to repay all payments.",
     {"nA consumer can withdraw from a distance contract within 28 days without giving a reason.",
      "!The right exists for sealed software once it was opened.",
      "+The seller then has to repay all payments and pay interest of 4 percent."}},
    {"Drivers in the canton need a vignette that costs 40 francs per year. It is valid from 1 "
     "December of the year "
     "before until 31 January of the year after. Motorbikes need one, too.",
     "The vignette, needed by drivers in the canton, is priced at CHF 40 a year.",
     "Motorbikes need one, too.",
     {"nDrivers in the canton need a vignette that costs 60 francs per year.",
      "!Motorbikes do not need one.", "dIt is valid from 1 November of the year before."}},
    /* science */
    {"Mercury is the smallest planet and orbits the Sun in 88 days. It has no moons. Temperatures "
     "reach 430 degrees by "
     "day.",
     "With an orbit of 88 days around the Sun, Mercury is also the smallest of the planets.",
     "It has no moons.",
     {"nMercury is the smallest planet and orbits the Sun in 225 days.", "!Mercury has moons.",
      "!Mercury is the largest planet.",
      "aVenus is the smallest planet and orbits the Sun in 88 days."}},
    {"Photosynthesis turns carbon dioxide and water into sugar and oxygen. It takes place in "
     "chloroplasts. The pigment "
     "chlorophyll absorbs red and blue light.",
     "Sugar and oxygen are made from carbon dioxide and water during photosynthesis.",
     "The pigment chlorophyll absorbs red and blue light.",
     {"+It takes place in chloroplasts, which were discovered by Pasteur.",
      "!Chlorophyll does not absorb red light.",
      "+Photosynthesis turns nitrogen and methane into fat and alcohol."}},
    {"The probe Hera was launched on 7 October 2024 by a Falcon 9. It will reach the asteroid "
     "Dimorphos in late 2026. "
     "Its mass is 1,128 kg.",
     "Hera, a probe of 1128 kg, was launched by a Falcon 9 on 7 October 2024.",
     "It will reach the asteroid Dimorphos in late 2026.",
     {"dThe probe Hera was launched on 17 October 2024 by a Falcon 9.",
      "aThe probe Hera was launched on 7 October 2024 by an Ariane 6.", "nIts mass is 1,821 kg.",
      "dIt will reach the asteroid Dimorphos in late 2028."}},
    {"Blue whales can weigh 150 tonnes and eat up to 4 tonnes of krill a day. Their hearts beat "
     "about ten times a "
     "minute. Hunting them has been illegal since 1966.",
     "A blue whale weighs as much as 150 tons, and each day it eats up to four tons of krill.",
     "Hunting them has been illegal since 1966.",
     {"nBlue whales can weigh 350 tonnes.", "!Hunting blue whales has been legal since 1966.",
      "nTheir hearts beat about thirty times a minute."}},
    {"The team of Mei Chen measured the glacier with radar in 2020. It had lost 12 metres of ice "
     "since 2005. The "
     "result was published in the journal Polar Letters.",
     "Mei Chen's team found by radar that the glacier lost 12 m of ice from 2005 to 2020.",
     "The result was published in the journal Polar Letters.",
     {"nThe glacier had lost 22 metres of ice since 2005.",
      "aThe team of Li Wang measured the glacier with radar in 2020.",
      "!The glacier had gained 12 metres of ice since 2005.",
      "aThe result was published in the journal Nature."}},
    {"Water boils at 100 degrees at sea level, but at about 71 degrees on top of Mount Everest, "
     "because the pressure is "
     "lower there. Salt raises the boiling point slightly.",
     "On Mount Everest water boils at roughly 71 degrees since there is less pressure.",
     "Salt raises the boiling point slightly.",
     {"nOn top of Mount Everest water boils at about 51 degrees.",
      "!Salt lowers the boiling point slightly.",
      "aOn top of Mount Fuji water boils at about 71 degrees."}},
    /* business, travel, daily life */
    {"Norvik Ltd had sales of 3.2 billion euros in 2023, 8% more than in 2022. The number of "
     "employees fell to 11,400. "
     "Chief executive Ines Duarte will step down in June.",
     "Sales at Norvik Ltd grew by 8 percent to \xE2\x82\xAC"
     "3.2bn in 2023.",
     "The number of employees fell to 11,400.",
     {"nSales at Norvik Ltd grew by 18 percent in 2023.",
      "!The number of employees rose to 11,400.",
      "aChief executive Carla Duarte will step down in June.",
      "nNorvik Ltd had sales of 3.2 million euros in 2023."}},
    {"Flight KX 318 to Lisbon leaves at 14:20 from gate B7. Passengers should be at the gate 30 "
     "minutes before "
     "departure. The flight lasts three hours.",
     "The plane to Lisbon, flight KX 318, departs at 2:20 pm from gate B7.",
     "The flight lasts three hours.",
     {"nFlight KX 318 to Lisbon leaves at 15:20 from gate B7.",
      "aFlight KX 318 to Madrid leaves at 14:20 from gate B7.",
      "aFlight KX 318 to Lisbon leaves at 14:20 from gate C7."}},
    {"The museum is free on the first Sunday of the month. On other days a ticket costs 9 euros, "
     "for students 5 euros. "
     "Dogs are not admitted.",
     "Students pay \xE2\x82\xAC"
     "5 for a ticket; on every month's first Sunday the museum is free.",
     "Dogs are not admitted.",
     {"nA ticket for students costs 9 euros.", "!Dogs are admitted.",
      "dThe museum is free on the first Monday of the month."}},
    {"Bake the bread at 220 degrees for 35 minutes. Let it cool for an hour before you cut it. The "
     "dough needs 500 g of "
     "flour and no sugar.",
     "The bread is baked for 35 minutes at 220 degrees; the dough takes half a kilo of flour.",
     "Let it cool for an hour before you cut it.",
     {"nBake the bread at 220 degrees for 55 minutes.", "!The dough needs sugar.",
      "nThe dough needs 800 g of flour."}},
    {"The village of Skorbo has 860 inhabitants, most of whom work in fishing. A ferry connects it "
     "with Bodin twice a "
     "day. There is no bank.",
     "Skorbo is a village with 860 inhabitants who mostly live on fishing.",
     "A ferry connects it with Bodin twice a day.",
     {"nThe village of Skorbo has 680 inhabitants.", "!There is a bank in the village of Skorbo.",
      "aA ferry connects it with Tromso twice a day.",
      "+The village of Skorbo is known for its medieval castle and a jazz festival."}},
    {"Students enroll online between 1 and 20 August. The fee of 250 euros is waived for holders "
     "of a scholarship. "
     "Lectures begin on 4 October in the Humboldt building.",
     "Scholarship holders do not pay the fee of 250 euros.",
     "Lectures begin on 4 October in the Humboldt building.",
     {"nThe fee of 350 euros is waived for holders of a scholarship.",
      "dLectures begin on 14 October in the Humboldt building.",
      "aLectures begin on 4 October in the Einstein building."}},
    {"The app stores photos for 12 months and shares none of them with third parties. Users can "
     "export their data as a "
     "ZIP file. Version 4.2 added a dark mode.",
     "Photos stay in the app for a year and are not shared with third parties.",
     "Users can export their data as a ZIP file.",
     {"nThe app stores photos for 18 months.", "!The app shares photos with third parties.",
      "nVersion 5.2 added a dark mode.",
      "+Users can export their data as a PDF file signed by Adobe."}},
    {"Electric buses replaced the last diesel buses of the city in March 2022. They run on 14 "
     "lines and charge at "
     "night. The mayor, Rosa Klein, called it a success.",
     "Since March 2022 the city runs only electric buses, which charge overnight, on 14 lines.",
     "The mayor, Rosa Klein, called it a success.",
     {"nThey run on 40 lines and charge at night.",
      "dElectric buses replaced the last diesel buses of the city in May 2022.",
      "aThe mayor, Nina Klein, called it a success.",
      "sDiesel buses replaced the last electric buses of the city in March 2022."}},
};

/* Words farther from the context's, more kinds of wrong answers, most in one word.  Written after the
   rules; some rules were mended after a look at the results (AUC was 0.82 and 0.95 for the two parts of
   the list at first sight). */
static const struct {
    const char *context;
    const char *good[6], *bad[9];
} harder[] = {
    {"The city council voted 7 to 4 on Tuesday to raise parking fees downtown. Starting in "
     "January, an hour will cost $3.50 instead of $2. Councilwoman Denise Park called the plan "
     "unfair to workers.",
     {"Parking downtown gets more expensive from January: $3.50 per hour, up from $2.",
      "Denise Park, a councilwoman, criticised the increase as unfair to workers.",
      "The council approved higher parking fees by a 7-4 vote."},
     {"An hour of parking will cost $4.50 from January.",
      "The council voted 9 to 2 to raise parking fees.",
      "Councilman Robert Park called the plan unfair.", "The vote took place on Thursday.",
      "The council voted against raising parking fees.", "The mayor vetoed the plan."}},
    {"Returns must be requested through your account page. Once we get the parcel, we issue "
     "store credit; cash refunds are only given if the article arrived damaged. Sale items are "
     "final.",
     {"You need to request the return via your account page.",
      "A cash refund is possible when the item was damaged on arrival.",
      "Items on sale cannot be returned."},
     {"Returns must be requested by calling 555-0199.", "Sale items can be returned.",
      "Cash refunds are given within 10 days.", "You need to request the return through Amazon."}},
    {"Python 3.12 removed the distutils module. Users should migrate to setuptools. The release "
     "also made f-strings more flexible and improved error messages.",
     {"The distutils module no longer exists in Python 3.12.", "setuptools should be used instead.",
      "Error messages were improved in this release."},
     {"Python 3.10 removed the distutils module.",
      "Python 3.12 did not remove the distutils module.", "Users should migrate to Poetry.",
      "Python 3.12 added the distutils module."}},
    {"The Amazon rainforest covers about 5.5 million square kilometres. Around 60 percent of it "
     "lies in Brazil, followed by Peru with 13 percent. Scientists warn that deforestation could "
     "push it past a tipping point.",
     {"Brazil holds roughly 60% of the Amazon rainforest, while Peru has 13%.",
      "The rainforest of the Amazon spans 5.5 million km2.",
      "According to scientists, the forest may reach a tipping point because of deforestation."},
     {"Around 60 percent of it lies in Peru.", "Brazil holds roughly 75% of the Amazon rainforest.",
      "The Amazon covers 8.5 million square kilometres.",
      "Colombia has 13 percent of the rainforest."}},
    {"Dear Mr Patel, your appointment with Dr. Nowak is confirmed for Thursday, 14 March at "
     "10:15 am. Please bring your insurance card and arrive 15 minutes early. Parking is "
     "available behind the building.",
     {"Mr Patel will see Dr. Nowak on 14 March at 10:15.",
      "He should come a quarter of an hour early and have the insurance card with him.",
      "There are parking spaces behind the building."},
     {"Mr Patel will see Dr. Nowak on 15 March at 10:15.",
      "Mr Patel will see Dr. Kowalski on 14 March.", "The appointment is at 11:15 am.",
      "Parking is not available.", "He should arrive 45 minutes early."}},
    {"In the second quarter revenue dropped 4% to $812 million, missing analysts' forecasts. Net "
     "income was $95 million, compared with $120 million a year earlier. The board kept the "
     "dividend at 22 cents a share.",
     {"Revenue fell by 4 percent to 812 million dollars in the second quarter.",
      "Net profit came to $95 million, down from $120 million the year before.",
      "The dividend stays at 22 cents per share."},
     {"Revenue rose 4% to $812 million.",
      "Net income was $120 million, compared with $95 million a year earlier.",
      "The dividend was raised to 25 cents a share.", "Revenue dropped 4% to $912 million.",
      "The board cut the dividend."}},
    {"Octopuses have three hearts and blue blood. Two of the hearts pump blood to the gills, the "
     "third to the rest of the body. Most species live only one or two years.",
     {"An octopus has 3 hearts, and its blood is blue.",
      "The gills are supplied by two of the hearts.",
      "Most octopus species only live for a year or two."},
     {"Octopuses have five hearts.", "Octopuses have green blood.", "Most species live ten years.",
      "Squids have three hearts and blue blood."}},
    {"Beethoven's Ninth Symphony premiered in Vienna on 7 May 1824. The composer, by then "
     "completely deaf, stood on stage beside the conductor Michael Umlauf. The finale sets "
     "Schiller's Ode to Joy.",
     {"The Ninth Symphony was first performed on May 7, 1824 in Vienna.",
      "Beethoven was already deaf and stood next to Michael Umlauf, who conducted.",
      "Its last movement uses the Ode to Joy by Schiller."},
     {"The Ninth Symphony premiered in Berlin on 7 May 1824.",
      "The Ninth Symphony premiered in Vienna on 7 May 1842.", "The finale sets a poem by Goethe.",
      "Beethoven conducted the Fifth Symphony.", "The conductor was Franz Umlauf."}},
    {"The router supports WPA3 and has four LAN ports. To reset it, hold the button on the back "
     "for 10 seconds until the light blinks red. The default password is printed on the label.",
     {"Press and hold the rear button for ten seconds to reset the router.",
      "You find the default password on the label.",
      "There are four LAN ports, and WPA3 is supported."},
     {"To reset it, hold the button for 30 seconds.", "The light blinks green.",
      "The router has eight LAN ports.", "The router does not support WPA3.",
      "The default password is admin123."}},
    {"Any employee who has worked here for at least six months may apply for parental leave. "
     "Applications must reach HR eight weeks before the leave begins. During leave, health "
     "insurance continues but the bonus is suspended.",
     {"Staff can apply for parental leave after working six months for the company.",
      "HR must receive the application eight weeks ahead of the leave.",
      "Health insurance goes on during parental leave, while bonuses are paused."},
     {"Employees may apply for parental leave after twelve months.",
      "During leave, health insurance is suspended.",
      "Applications must reach HR two weeks before the leave begins.",
      "During leave the bonus continues."}},
    {"Mount Kilimanjaro rises 5,895 metres above sea level and is the highest peak in Africa. "
     "Hans Meyer and Ludwig Purtscheller were the first to climb it, in 1889. About 35,000 "
     "people attempt the climb each year.",
     {"At 5895 m, Kilimanjaro is Africa's highest mountain.",
      "The first ascent was made in 1889 by Hans Meyer and Ludwig Purtscheller.",
      "Each year some 35,000 climbers try to reach the top."},
     {"Kilimanjaro rises 4,895 metres above sea level.",
      "The first ascent was made in 1898 by Hans Meyer.",
      "Edmund Hillary was the first to climb it.", "It is the highest peak in Asia.",
      "About 350,000 people attempt the climb each year."}},
    {"The defendant admitted entering the warehouse but denied taking the copper. Two witnesses, "
     "a guard and a driver, saw him leave with a bag. The jury acquitted him on Friday.",
     {"The accused confessed that he went into the warehouse, but not that he took the copper.",
      "He was acquitted by the jury on Friday.",
      "A guard and a driver witnessed him leaving with a bag."},
     {"The jury convicted him on Friday.", "The defendant admitted taking the copper.",
      "Three witnesses saw him leave.", "The jury acquitted him on Monday.",
      "Judge Harris acquitted him."}},
    {"Vitamin C is water-soluble and the body cannot store it. Adults need about 90 mg per day. "
     "Peppers contain more of it than oranges.",
     {"The body is unable to store vitamin C because it dissolves in water.",
      "An adult should get roughly 90 milligrams a day.",
      "There is more vitamin C in peppers than in oranges."},
     {"The body can store vitamin C.", "Adults need about 900 mg per day.",
      "Vitamin D is water-soluble.", "Vitamin C cures cancer."}},
    {"The festival takes place from 12 to 14 July on the Rinkeby fields. Day tickets cost 45 "
     "euros, a pass for all three days 110. Camping is included; glass bottles and pets are "
     "prohibited.",
     {"From July 12 to 14 the festival is held on the fields of Rinkeby.",
      "A three-day pass is 110 euros, a day ticket 45.",
      "You may camp there, but you cannot bring glass bottles or pets."},
     {"Day tickets cost 65 euros.", "The festival takes place from 12 to 14 August.",
      "Pets are allowed.", "Camping is not included.",
      "The festival takes place on the Solna fields."}},
    {"Our API limits each key to 600 requests per minute. When the limit is exceeded, the server "
     "answers with status 429 and a Retry-After header. Enterprise customers can ask for a "
     "higher limit.",
     {"Every API key may send at most 600 requests a minute.",
      "If you exceed that, you get a 429 status along with a Retry-After header.",
      "A higher limit can be requested by enterprise customers."},
     {"Every API key may send at most 6000 requests a minute.",
      "The server answers with status 503.", "Free customers can ask for a higher limit.",
      "Enterprise customers cannot ask for a higher limit."}},
    {"Marie Tharp mapped the Atlantic sea floor in the 1950s and discovered its central rift "
     "valley. Her colleague Bruce Heezen first dismissed the idea as girl talk. Her work helped "
     "to prove continental drift.",
     {"Tharp found the rift valley in the middle of the Atlantic while mapping the ocean floor "
      "in the 1950s.",
      "Bruce Heezen initially rejected her idea.",
      "Continental drift was proven partly thanks to her work."},
     {"Marie Tharp mapped the Pacific sea floor in the 1950s.",
      "Marie Tharp mapped the Atlantic sea floor in the 1970s.",
      "Her colleague Harry Hess dismissed the idea.",
      "Marie Curie mapped the Atlantic sea floor."}},
    {"Acme Cloud offers three tiers. The Starter tier includes 10 GB of storage and costs $5 per "
     "month. The Team tier includes 100 GB and costs $20 per month. Enterprise pricing is "
     "available on request. All tiers include email support; phone support is limited to "
     "Enterprise. Data is stored in Frankfurt and encrypted at rest with AES-256. Accounts can "
     "be closed at any time, and data is deleted after 30 days.",
     {"The Team tier costs $20 per month and includes 100 GB of storage. You also get email "
      "support, but phone support is only available for Enterprise customers.",
      "Sure! Here is what I found:\n\n- **Team tier**: $20/month, 100 GB\n- **Support**: email "
      "(phone is for Enterprise only)\n\nLet me know if you need anything else!",
      "Your data is kept in Frankfurt, encrypted with AES-256. If you close your account, the "
      "data is removed after 30 days.",
      "Starter is the cheapest plan at $5 a month; it comes with 10 GB of storage."},
     {"The Team tier costs $25 per month and includes 100 GB of storage.",
      "You also get phone support with the Team tier, 24 hours a day.",
      "Your data is kept in Dublin, encrypted with AES-256.",
      "If you close your account, the data is removed after 90 days.",
      "Starter comes with 50 GB of storage.", "The Starter tier costs $20 per month.",
      "Acme Cloud was founded by John Miller in 2012.", "Data is encrypted with AES-128."}},
    {"The Apollo 11 mission landed on the Moon on July 20, 1969. Neil Armstrong and Buzz Aldrin "
     "spent about two and a half hours outside, while Michael Collins orbited above. They "
     "collected 21.5 kilograms of lunar material. The crew returned to Earth on July 24 and "
     "splashed down in the Pacific Ocean.",
     {"Apollo 11 reached the Moon on 20 July 1969. While Michael Collins stayed in orbit, Neil "
      "Armstrong and Buzz Aldrin walked on the surface for roughly two and a half hours.",
      "The astronauts brought back 21.5 kg of material from the Moon and landed in the Pacific "
      "on July 24.",
      "Armstrong and Aldrin gathered 21.5 kilograms of lunar samples."},
     {"Apollo 11 reached the Moon on 16 July 1969.",
      "Apollo 12 landed on the Moon on July 20, 1969.",
      "Neil Armstrong and Alan Shepard walked on the Moon.",
      "They collected 47.5 kilograms of lunar material.",
      "The crew splashed down in the Atlantic Ocean.", "The crew returned on July 26.",
      "Yuri Gagarin was part of the crew."}},
    {"Paracetamol: adults may take one or two 500 mg tablets every four to six hours. Do not "
     "exceed eight tablets in 24 hours. Patients with liver disease should ask a doctor first. "
     "Keep out of the reach of children.",
     {"Adults can take 1-2 tablets of 500 mg every 4 to 6 hours, but no more than 8 tablets "
      "within 24 hours.",
      "If you have a liver disease, consult a doctor before taking it.",
      "It should be kept away from children."},
     {"Adults can take 3-4 tablets of 500 mg every 4 to 6 hours.",
      "Adults can take up to 12 tablets in 24 hours.",
      "Patients with kidney disease should ask a doctor first.", "Tablets contain 1000 mg.",
      "It is safe for patients with liver disease."}},
    {"Jane Austen was born on 16 December 1775 in Steventon, Hampshire. Her novel Pride and "
     "Prejudice appeared in 1813. She never married and died in Winchester in 1817, aged 41.",
     {"Jane Austen, who was born in Steventon in 1775, published Pride and Prejudice in 1813. "
      "She stayed unmarried all her life and died at the age of 41 in Winchester.",
      "Austen died in 1817.",
      "Born in Hampshire in December 1775, she wrote the novel Pride and Prejudice."},
     {"Jane Austen was born in Bath in 1775.", "Her novel Emma appeared in 1813.",
      "She married Tom Lefroy.", "She died in London in 1817.", "She died in 1827, aged 51.",
      "Pride and Prejudice was written by Charlotte Bronte."}},
    {"All visitors must sign in at reception and wear a badge. Photography is not permitted "
     "inside the plant. Visitors under 16 need to be accompanied by an adult. Safety shoes are "
     "provided free of charge.",
     {"Visitors have to register at the reception and must wear a badge.",
      "You are not allowed to take photos in the plant.",
      "Children under 16 must come with an adult.", "Safety shoes cost nothing.",
      "It is forbidden to take photographs inside the plant."},
     {"Visitors may take photos inside the plant.",
      "Visitors under 18 need to be accompanied by an adult.", "Safety shoes cost 10 euros.",
      "Visitors do not need to wear a badge.", "Visitors must leave their passport at reception."}},
    {"The Treaty of Tordesillas was signed on 7 June 1494 between Portugal and Spain. It divided "
     "newly discovered lands along a meridian 370 leagues west of the Cape Verde islands. Pope "
     "Julius II approved it in 1506.",
     {"The Treaty of Tordesillas, signed by Spain and Portugal on June 7, 1494, split newly "
      "found territories along a line 370 leagues west of Cape Verde.",
      "It got the approval of Pope Julius II in 1506."},
     {"The Treaty of Tordesillas was signed by France and Portugal.",
      "It was approved by Pope Leo X in 1506.", "The line ran 470 leagues west of Cape Verde.",
      "It was signed in 1594."}},
    {"Das Museum ist von Dienstag bis Sonntag von 10 bis 18 Uhr ge\xC3\xB6"
     "ffnet. Der Eintritt "
     "kostet 8 Euro, Kinder unter 6 Jahren zahlen nichts. Die Ausstellung zeigt Werke von Paula "
     "Modersohn-Becker.",
     {"Der Eintritt in das Museum kostet 8 Euro.",
      "Ge\xC3\xB6"
      "ffnet ist das Museum von Dienstag bis Sonntag, 10 bis 18 Uhr.",
      "Kinder unter 6 Jahren zahlen keinen Eintritt."},
     {"Der Eintritt kostet 12 Euro.",
      "Ge\xC3\xB6"
      "ffnet ist das Museum von 9 bis 20 Uhr.",
      "Kinder unter 10 Jahren zahlen nichts."}},
};

enum { N_LABELLED = (int)FT__COUNT(labelled), MAX_SCORES = N_LABELLED * 4 };

/* How often a score of the first list is greater than one of the second; ties are half. */
static double auc(const double *good, int n_good, const double *bad, int n_bad) {
    double wins = 0;
    for (int i = 0; i < n_good; i++)
        for (int k = 0; k < n_bad; k++) wins += good[i] > bad[k] ? 1 : good[i] == bad[k] ? 0.5 : 0;
    return wins / ((double)n_good * n_bad);
}

static double mean(const double *x, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += x[i];
    return n ? sum / n : 0;
}

static double of_context(const char *name, const char *context, const char *output) {
    char row[2048];
    snprintf(row, sizeof row, "{\"context\": \"%s\"}", context);
    ft_score s = judge(name, row, output);
    CHECK_INT(s.state, FT_SCORED);
    return s.value;
}

static void separate(const char *name, bool verbose) {
    static const char kinds[] = "nad!+s";
    static const char *const words[] = {"number", "name", "date", "negation", "addition", "roles"};
    double good[MAX_SCORES], extracts[MAX_SCORES], bad[MAX_SCORES], kind[6][MAX_SCORES];
    int n = N_LABELLED, n_bad = 0, n_kind[6] = {0, 0, 0, 0, 0, 0};
    for (int i = 0; i < n; i++) {
        const labelled_row *row = &labelled[i];
        good[i] = of_context(name, row->context, row->paraphrase);
        extracts[i] = of_context(name, row->context, row->extract);
        if (verbose && good[i] < 0.5) test_note("paraphrase %.2f: %s", good[i], row->paraphrase);
        for (int k = 0; k < 4 && row->wrong[k]; k++) {
            int which = (int)(strchr(kinds, row->wrong[k][0]) - kinds);
            double value = of_context(name, row->context, row->wrong[k] + 1);
            kind[which][n_kind[which]++] = value;
            if (which < 5) bad[n_bad++] = value;
            if (verbose && value > 0.3 && which < 5)
                test_note("%s %.2f: %s", words[which], value, row->wrong[k] + 1);
        }
    }
    double all = auc(good, n, bad, n_bad);
    test_note("%s: AUC %.3f (%d paraphrases, mean %.2f; %d wrong answers, mean %.2f)", name, all, n,
              mean(good, n), n_bad, mean(bad, n_bad));
    for (int k = 0; k < 6; k++)
        test_note("  %-8s %3d, mean %.2f, AUC %.3f%s", words[k], n_kind[k],
                  mean(kind[k], n_kind[k]), auc(good, n, kind[k], n_kind[k]),
                  k == 5 ? " (a known blind spot)" : "");
    CHECK(all >= 0.95);
    CHECK(mean(good, n) > 0.7);
    CHECK_NEAR(mean(extracts, n), 1, 1e-12);
    for (int k = 0; k < 3; k++) CHECK(mean(kind[k], n_kind[k]) < 0.2);
}

TEST(ground, groundedness_separates) { separate("groundedness", true); }
TEST(ground, faithfulness_separates) { separate("faithfulness", false); }

TEST(ground, harder_rows_separate) {
    static const char *const names[] = {"groundedness", "faithfulness"};
    for (int e = 0; e < 2; e++) {
        double good[200], bad[200];
        int n_good = 0, n_bad = 0;
        for (size_t i = 0; i < FT__COUNT(harder); i++) {
            for (int k = 0; k < 6 && harder[i].good[k]; k++)
                good[n_good++] = of_context(names[e], harder[i].context, harder[i].good[k]);
            for (int k = 0; k < 9 && harder[i].bad[k]; k++)
                bad[n_bad++] = of_context(names[e], harder[i].context, harder[i].bad[k]);
        }
        double all = auc(good, n_good, bad, n_bad);
        test_note("%s: AUC %.3f (%d good answers, mean %.2f; %d bad ones, mean %.2f)", names[e],
                  all, n_good, mean(good, n_good), n_bad, mean(bad, n_bad));
        CHECK(all > 0.85);
        CHECK(mean(good, n_good) > 0.7);
        CHECK(mean(bad, n_bad) < 0.2);
    }
}

/* ---- single rules */

static double grounded(const char *context, const char *output) {
    return of_context("groundedness", context, output);
}

TEST(ground, forms_of_one_fact) {
    static const char *const same[][2] = {
        {"It weighs 1,500 kg.", "It weighs 1500 kg."},
        {"It weighs 1,500 kg.", "It weighs 1.5 tonnes."},
        {"It lasts two weeks.", "It lasts 14 days."},
        {"It lasts 90 minutes.", "It lasts 1.5 hours."},
        {"It lasts a year.", "It lasts 12 months."},
        {"It costs three hundred and five dollars.", "It costs $305."},
        {"It costs \xE2\x82\xAC"
         "2.5 million.",
         "It costs 2,500,000 euros."},
        {"It costs 5k USD.", "It costs USD 5,000."},
        {"It grew by five per cent.", "It grew by 5%."},
        {"It begins at 17:30.", "It begins at 5:30 pm."},
        {"It begins at noon.", "It begins at 12:00."},
        {"It fell on 12 March 2021.", "It fell on March 12th, 2021."},
        {"It fell on 2021-03-12.", "It fell on 12 March 2021."},
        {"It fell on 03/12/2021.", "It fell on 12 March 2021."},
        {"It fell on 12 March 2021.", "It fell in March 2021."},
        {"It fell on 12 March 2021.", "It fell in 2021."},
        {"It lasts from 12 to 14 July.", "It lasts from July 12 to July 14."},
        {"It is the 21st edition.", "It is the 21st edition of it."},
        {"It was number A-1234.", "It was number A1234."},
        {"See https://www.acme.example/Help for help.", "For help see www.acme.example/help."},
        {"It has 8,943 pages.", "It has about 8,900 pages."},
        {"The World Health Organization met.", "There was a meeting of the WHO, which met."},
        {"The U.S. army won.", "The US army won."},
    };
    static const char *const different[][2] = {
        {"It weighs 1,500 kg.", "It weighs 1,500 g."},
        {"It lasts 14 days.", "It lasts 14 weeks."},
        {"It costs $5.", "It costs 5 euros."},
        {"It grew by 5%.", "It grew by 5 points and 6%."},
        {"It begins at 5 am.", "It begins at 5 pm."},
        {"It fell on 12 March 2021.", "It fell on 12 May 2021."},
        {"It fell in March 2021.", "It fell on 9 March 2021."},
        {"It was number A-1234.", "It was number A-1243."},
        {"Write to a@b.example.", "Write to c@b.example."},
        {"It has 8,943 pages.", "It has about 7,900 pages."},
        {"It has 8,943 pages.", "It has 8,900 pages."},
        {"It was version 2.3.1.", "It was version 2.3.2."},
        {"It has minus 5 degrees.", "It has 55 degrees."},
        {"Call 0301234567.", "Call 0301234568."},
        {"Ann Lee met Bob Ray.", "Ann Lee met Carl Ray."},
        {"It rains on Monday.", "It rains on Friday."},
    };
    for (size_t i = 0; i < FT__COUNT(same); i++) {
        double value = grounded(same[i][0], same[i][1]);
        if (value < 0.5) test_note("%.2f: %s / %s", value, same[i][0], same[i][1]);
        CHECK(value >= 0.5);
    }
    for (size_t i = 0; i < FT__COUNT(different); i++) {
        double value = grounded(different[i][0], different[i][1]);
        if (value > 0) test_note("%.2f: %s / %s", value, different[i][0], different[i][1]);
        CHECK(value == 0);
    }
}

TEST(ground, negations_and_opposites) {
    static const char *const same[][2] = {
        {"Pets are not allowed here.", "Pets are forbidden here."},
        {"Pets are not allowed here.", "Pets aren't allowed here."},
        {"The sauce contains no gluten.", "The sauce is gluten-free."},
        {"Pay no later than Friday.", "Pay by Friday."},
        {"It is not only cheap but fast.", "It is cheap and fast."},
        {"The fee is waived for students.", "Students do not pay the fee."},
        {"Shoes are free of charge.", "Shoes cost nothing."},
        {"All items but food may go back, except swimwear.", "Swimwear may not go back."},
    };
    static const char *const opposite[][2] = {
        {"Pets are not allowed here.", "Pets are allowed here."},
        {"Pets are allowed here.", "Pets are prohibited here."},
        {"Pets are allowed here.", "Pets are not allowed here."},
        {"Eat before sleeping.", "Eat after sleeping."},
        {"The price rose sharply.", "The price fell sharply."},
        {"Can I return food? No.", "I can return food."},
        {"All items may go back, except swimwear.", "Swimwear may go back."},
        {"The shop never opens early.", "The shop opens early."},
    };
    for (size_t i = 0; i < FT__COUNT(same); i++) {
        double value = grounded(same[i][0], same[i][1]);
        if (value < 0.4) test_note("%.2f: %s / %s", value, same[i][0], same[i][1]);
        CHECK(value > 0.4);
    }
    for (size_t i = 0; i < FT__COUNT(opposite); i++) {
        double value = grounded(opposite[i][0], opposite[i][1]);
        if (value > 0) test_note("%.2f: %s / %s", value, opposite[i][0], opposite[i][1]);
        CHECK(value == 0);
    }
}

TEST(ground, a_fact_belongs_to_its_sentence) {
    const char *plans = "The basic plan costs $10. The pro plan costs $30.";
    CHECK(grounded(plans, "The pro plan is priced at $30.") == 1);
    CHECK(grounded(plans, "The basic plan costs $30.") == 0);
    CHECK(grounded("It was founded in 1990 and sold in 2005.", "It was founded in 2005.") == 0);
    CHECK(grounded("He was crowned in 1804 and was exiled to Elba in 1814.",
                   "He was exiled to Elba in 1804.") == 0);
    CHECK(grounded("Then Ann Lee won gold. Then Bob Ray won silver.", "Bob Ray won gold.") == 0);
    CHECK(grounded("Ann Lee lives here. She won gold. Bob Ray won silver.", "Ann Lee won gold.") ==
          1);
}

static const char rope[] = "{\"context\": \"Ann Lee made 12 ropes in Oslo. They are not blue.\"}";

static void check_span(const ft_score *s, int i, const char *output, const char *what,
                       const char *text) {
    if (!CHECK(s->n_spans > i)) return;
    CHECK_TEXT(s->spans[i].what, what);
    CHECK_INT(s->spans[i].end - s->spans[i].begin, strlen(text));
    CHECK(strncmp(output + s->spans[i].begin, text, strlen(text)) == 0);
}

TEST(ground, spans_show_what_is_not_supported) {
    const char *output = "Ann Lee made 13 ropes in Paris. They are blue. Elephants dance quietly. "
                         "It was on 3 May 2020.";
    ft_score s = judge("groundedness", rope, output);
    CHECK(s.value == 0);
    CHECK_INT(s.n_spans, 5);
    check_span(&s, 0, output, "number", "13");
    check_span(&s, 1, output, "name", "Paris");
    check_span(&s, 2, output, "negation", "They are blue");
    check_span(&s, 3, output, "sentence", "Elephants dance quietly");
    check_span(&s, 4, output, "date", "3 May 2020");
    CHECK_TEXT(s.detail, "4 of 4 claims are not supported; number \"13\"");
    s = judge("hallucination_score", rope, output);
    CHECK(s.value == 1 && !s.pass);
}

TEST(ground, three_measures) {
    const char *output =
        "Ann Lee made 12 ropes. She lives in Rome."; /* 1 of 2 sentences; 1 of 3 facts */
    CHECK_NEAR(judge("faithfulness", rope, output).value, 0.5, 1e-12);
    CHECK_NEAR(judge("hallucination_score", rope, output).value, 1 - 2.0 / 3 * 0.5, 1e-12);
    CHECK_NEAR(judge("groundedness", rope, output).value, 5.0 / 7, 1e-12); /* words and facts */
    CHECK_NEAR(judge("groundedness", rope, "Ann Lee made 12 ropes. Elephants dance.").value,
               5.0 / 7, 1e-12);
}

TEST(ground, no_claim_is_never_good) {
    static const char *const names[] = {"groundedness", "faithfulness", "factual_accuracy",
                                        "answer_relevancy", "citation_check"};
    static const char row[] =
        "{\"context\": \"The sea is warm.\", \"expected\": \"The sea is warm.\", "
        "\"prompt\": \"Is the sea warm?\"}";
    static const char *const blank[] = {"", " \n", "!!!", "\xFF", "\xE2\x80\x8B"};
    for (size_t i = 0; i < FT__COUNT(names); i++)
        for (size_t k = 0; k < FT__COUNT(blank); k++) {
            ft_score s = judge(names[i], row, blank[k]);
            CHECK(s.state == FT_SCORED && s.value == 0 && !s.pass);
            CHECK_TEXT(s.detail, "no claim");
        }
    CHECK(judge("hallucination_score", row, "").value == 1);
    CHECK(judge("hallucination_score", row, "I don't know.").value == 0);
    CHECK(judge("groundedness", row, "I don't know.").value == 0);
    /* Courtesies do not count. */
    CHECK(
        judge("groundedness", row, "Sure! The sea is warm. Let me know if you need anything else.")
            .value == 1);
}

TEST(ground, context_forms) {
    const char *output = "The sea is warm.";
    CHECK(
        judge("groundedness", "{\"context\": [\"The sun shines.\", \"The sea is warm.\"]}", output)
            .value == 1);
    CHECK(judge("groundedness", "{\"context\": {\"text\": \"The sea is warm.\"}}", output).value ==
          1);
    CHECK(judge("groundedness", "{\"context\": []}", output).value == 0);
    CHECK(judge("groundedness", "{\"context\": \"\"}", output).value == 0);
    ft_score s = judge("groundedness", "{\"context\": [{\"id\": 1}]}", output);
    CHECK(s.state == FT_SCORE_ERROR && strstr(s.detail, "\"context\" must be"));
    s = judge("faithfulness", "{\"expected\": \"a\"}", output);
    CHECK(s.state == FT_SCORE_ERROR);
    CHECK_TEXT(s.detail, "row has no \"context\"");
}

/* Whatever the rules think of it, a text supports itself. */
TEST(ground, a_text_supports_itself) {
    static const char *const texts[] = {
        "No. Yes. Maybe not.",
        "Bob met Ann. Ann met Bob. Nobody met nobody.",
        "1 2 3. 3 2 1! 5%?",
        "It is open. It is closed. It isn't open.",
        "\xE6\xB5\xB7\xE5\xBE\x88\xE6\x9A\x96\xE3\x80\x82",
        "\xCE\x97 \xCE\xB8\xCE\xAC\xCE\xBB\xCE\xB1\xCF\x83\xCF\x83\xCE\xB1.",
        "a \xFF b"};
    for (size_t i = 0; i < FT__COUNT(texts) - 1; i++) CHECK(grounded(texts[i], texts[i]) == 1);
    char row[4096] = "{\"context\": \"", text[2000] = ""; /* a sentence that is cut into pieces */
    for (int i = 0; i < 300; i++)
        snprintf(text + strlen(text), 8, "w%c%c ", 'a' + i % 26, 'a' + i / 26);
    strcat(strcat(row, text), "\"}");
    CHECK(judge("groundedness", row, text).value == 1);
}

TEST(ground, other_languages_by_their_words) {
    const char *german = "Der Eintritt kostet 8 Euro, und Kinder zahlen nichts.";
    CHECK(grounded(german, "Der Eintritt kostet f\xC3\xBCr Erwachsene 8 Euro.") > 0.5);
    CHECK(grounded(german, "Der Eintritt kostet 9 Euro.") == 0);
    const char *chinese =
        "\xE6\xB5\xB7\xE6\xB0\xB4\xE5\xBE\x88\xE6\xB8\xA9\xE6\x9A\x96"; /* sea water very warm */
    CHECK(grounded(chinese, "\xE6\xB5\xB7\xE6\xB0\xB4\xE6\xB8\xA9\xE6\x9A\x96") > 0.4);
    CHECK(grounded(chinese, "\xE7\x8B\x97\xE5\x9C\xA8\xE8\xBF\x99\xE9\x87\x8C") ==
          0); /* dog here */
}

TEST(ground, factual_accuracy_rules) {
    const char *name = "factual_accuracy";
    const char *capital =
        "{\"prompt\": \"What is the capital of France?\", \"expected\": \"Paris\"}";
    CHECK(judge(name, capital, "The capital of France is Paris.").value == 1);
    CHECK(judge(name, capital, "Paris.").value == 1);
    CHECK(judge(name, capital, "The capital of France is Lyon.").value == 0);
    CHECK(judge(name, "{\"expected\": \"Paris\"}", "The capital of France is Paris.").value == 1);
    const char *moon =
        "{\"expected\": \"The probe landed on the Moon in 1969 with three people.\"}";
    CHECK(judge(name, moon, "In 1969 the probe landed on the Moon with 3 people.").value == 1);
    CHECK(judge(name, moon, "The probe landed on the Moon in 1968 with three people.").value == 0);
    ft_score s =
        judge(name, moon,
              "The probe landed on the Moon in 1969 with three people. It was built by Fiat.");
    CHECK(s.value > 0.5 && s.value < 0.95);
    CHECK(s.n_spans == 1 && strcmp(s.spans[0].what, "name") == 0);
    s = judge(name, "{\"expected\": \"It is.\"}", "It is.");
    CHECK(s.state == FT_SCORED || s.state == FT_SCORE_ERROR);
    CHECK(judge(name, "{\"expected\": \"\"}", "It is warm.").state == FT_SCORE_ERROR);
    CHECK(judge(name, "{\"references\": [\"Rome is old.\", \"Paris is old.\"]}", "Paris is old.")
              .value == 1);
}

TEST(ground, retrieval) {
    const char *row =
        "{\"expected\": \"Ann made 12 ropes. The sea is warm. Bob sings.\", \"context\": "
        "[\"Snow is white.\", \"There Ann made twelve ropes.\", \"Cats sleep.\", \"How warm the "
        "sea is!\"]}";
    ft_score s = judge("context_recall", row, "not used");
    CHECK_NEAR(s.value, 2.0 / 3, 1e-12);
    CHECK(strstr(s.detail, "Bob"));
    CHECK_NEAR(judge("context_precision", row, "").value, (1.0 / 2 + 2.0 / 4) / 2, 1e-12);
    CHECK(judge("context_precision", "{\"expected\": \"Bob sings.\", \"context\": \"Bob sings.\"}",
                "")
              .value == 1);
    CHECK(judge("context_precision", "{\"expected\": \"Bob sings.\", \"context\": []}", "").value ==
          0);
    CHECK(judge("context_recall", "{\"expected\": \"Bob sings.\"}", "Cats sleep.\n\nBob sings.")
              .value == 1);
    CHECK_NEAR(
        judge("context_precision", "{\"expected\": \"Bob sings.\"}", "Cats sleep.\n\nBob sings.")
            .value,
        0.5, 1e-12);
}

TEST(ground, answer_relevancy_rules) {
    const char *how = "{\"prompt\": \"How many legs does the spider have?\"}";
    CHECK(judge("answer_relevancy", how, "A spider has eight legs.").value == 1);
    CHECK(judge("answer_relevancy", how, "Eight.").value == 1);
    CHECK(judge("answer_relevancy", how, "The spider has hairy legs.").value == 0.5);
    CHECK(judge("answer_relevancy", how, "How many legs does the spider have?").value == 0);
    CHECK(judge("answer_relevancy", how,
                "I don't know how many legs the spider has, maybe it has lost some.")
              .value == 0);
    CHECK(judge("answer_relevancy", how,
                "Our office in the harbour is open every weekday and sells tickets for boats.")
              .value == 0);
    const char *is = "{\"prompt\": \"Is the sea warm?\"}";
    CHECK(judge("answer_relevancy", is, "Yes.").value == 1);
    const char *tell = "{\"prompt\": \"Tell me about the Moon.\"}";
    CHECK(judge("answer_relevancy", tell, "The Moon orbits the Earth.").value == 1);
}

TEST(ground, citations) {
    const char *row = "{\"context\": [{\"id\": \"log\", \"text\": \"Ann made 12 ropes.\"}, \"The "
                      "sea is warm.\"]}";
    const char *name = "citation_check";
    CHECK(judge(name, row, "Ann made twelve ropes [1].").value == 1);
    CHECK(judge(name, row, "Ann made twelve ropes. [1] The sea is warm. [2]").value == 1);
    CHECK(judge(name, row, "[1] Ann made twelve ropes.\n[2] The sea is warm.").value == 1);
    CHECK(judge(name, row, "Ann made twelve ropes and the sea is warm [1][2].").value == 1);
    CHECK(judge(name, row, "Ann made twelve ropes (source: log).").value == 1);
    CHECK(judge(name, row, "Ann made twelve ropes [log].").value == 1);
    CHECK(judge(name, row, "Ann made twelve ropes [Source: log].").value == 1);
    CHECK(judge(name, row, "Ann made twelve ropes [2].").value == 0);
    CHECK(judge(name, row, "Ann made thirteen ropes [1].").value == 0);
    CHECK(judge(name, row, "Ann made twelve ropes [1, 2].").value == 0.5); /* 2 adds nothing */
    const char *output = "Ann made twelve ropes [1]. The sea is warm [7].";
    ft_score s = judge(name, row, output);
    CHECK(s.value == 0.5);
    check_span(&s, 0, output, "unknown source", "[7]");
    output = "Ann made twelve ropes [1]. The sea is warm.";
    CHECK(judge(name, row, output).value == 1);
    s = judge_with(name, "{\"every_claim\": true}", row, output, strlen(output));
    CHECK(s.value == 0.5);
    check_span(&s, 0, output, "no citation", "The sea is warm");
    CHECK_TEXT(judge(name, row, "Ann made twelve ropes.").detail, "no citation");
    output = "Ann made twelve ropes [2] (source: log).";
    CHECK(judge_with(name, "{\"style\": \"source\"}", row, output, strlen(output)).value == 1);
    CHECK(judge_with(name, "{\"style\": \"brackets\"}", row, output, strlen(output)).value == 0);
    ft_error err = {FT_OK, "", ""};
    CHECK(ft_evaluator_create(name, "{\"style\": \"foot\"}", NULL, &err) == NULL);
    CHECK(strstr(err.message, "\"style\" must be") != NULL);
}

/* Long contexts and outputs, with every word everywhere. */
TEST(ground, long_texts_take_linear_time) {
    size_t n = 0, m;
    char *text = (char *)malloc(310000), *row = (char *)malloc(320000);
    for (int i = 0; n < 300000; i++)
        n += (size_t)snprintf(text + n, 100, "The cat %d and Bird sat in %d. ", i % 97, i % 53);
    m = (size_t)snprintf(row, 320000, "{\"context\": \"%s\"}", text);
    for (size_t i = 0; i < n; i += 11) text[i] = 'x';
    ft_error err = {FT_OK, "", ""};
    ft_score s;
    ft_evaluator *e = ft_evaluator_create("groundedness", NULL, NULL, &err);
    ft_row *r = ft_row_parse(row, m, NULL, &err);
    double start = ft__seconds();
    if (CHECK(e && r)) CHECK_OK(ft_evaluate(e, r, text, n, &s, &err), err);
    double took = ft__seconds() - start;
    test_note("300 kB against 300 kB: %.2f s", took);
    CHECK(took < 20);
    ft_row_free(r);
    ft_evaluator_free(e);
    free(text);
    free(row);
}
