/* Mathematics: against vectors rounded from 100 digits (Python's decimal), dense sweeps of the
   float functions against series in long double, half precision in full, and pinned digests of the
   output bits: the promise that they are the same on every machine and with every compiler. */
#include "test.h"

static uint64_t double_bits(double d) {
    uint64_t u;
    memcpy(&u, &d, 8);
    return u;
}

static double double_of(uint64_t u) {
    double d;
    memcpy(&d, &u, 8);
    return d;
}

static const double INFINITE = DBL_MAX * 2;

static bool is_nan(double x) { return x != x; }

/* Distance in units of the last place, for two numbers of one sign. */
static double ulps_between(double got, double expected) {
    int64_t a = (int64_t)double_bits(got), b = (int64_t)double_bits(expected);
    return (a < 0) != (b < 0) ? 1e99 : a > b ? (double)(a - b) : (double)(b - a);
}

/* Distance of a float from an exact value, in units of that value's last place. */
static double ulps_off(float got, long double exact) {
    long double distance = (long double)got - exact;
    uint32_t bits = ft__bits_of((float)exact) & 0x7FFFFFFF;
    long double ulp = (long double)ft__float_of(bits + 1) - (long double)ft__float_of(bits);
    return (double)((distance < 0 ? -distance : distance) / ulp);
}

static void worst(const char *name, double x, double off, double limit) {
    if (CHECK(off <= limit)) return;
    test_note("%s(%.17g) is off by %g units", name, x, off);
}

/* ---- double precision */

TEST(math, exp_vectors) {
    static const double rows[][2] = {
        {0.0, 1.0}, {1.0, 2.718281828459045}, {-1.0, 0.36787944117144233},
        {0.5, 1.6487212707001282}, {2.0, 7.38905609893065}, {10.0, 22026.465794806718},
        {1e-10, 1.0000000001}, {-1e-300, 1.0}, {0.34657359027997264, 1.414213562373095},
        {-0.34657359027997264, 0.7071067811865476}, {0.3465735902799727, 1.4142135623730951},
        {100.0, 2.6881171418161356e+43}, {-100.0, 3.720075976020836e-44},
        {709.0, 8.218407461554972e+307}, {709.782712893384, 1.7976931348622732e+308},
        {-708.3964185322641, 2.2250738585072626e-308}, {-708.4, 2.217119081664265e-308},
        {-720.5, 1.2326102893e-313}, {-744.4400719213812, 5e-324}, {-745.1, 5e-324},
        {-246.6341292335727, 7.729628560663668e-108},
        {-488.81115650569734, 5.152429247653761e-213},
        {211.30826225579528, 5.888603032207644e+91},
        {-598.5891986654401, 1.0864608783354944e-260},
        {50.234806029364904, 6.556907515534126e+21},
        {-188.03551632238026, 2.1737663389340062e-82},
        {-618.8015053154105, 1.81100999871526e-269}, {10.410026465188366, 33190.74879059005},
        {-647.5060781812211, 6.189894501035077e-282}, {-92.89604287265979, 4.526486086296954e-41},
        {-602.2024069955335, 2.929662910813279e-262},
        {-573.0017813185889, 1.407629152349878e-249}, {-0.30192324342994414, 0.7393948161214916},
        {1.3074084986881522, 3.696581592536721}, {-1.5047921554014176, 0.2220634437231009},
        {-1.1070441415719419, 0.3305345318220276}, {0.5097328896223572, 1.6648464377881895},
        {1.7908357698280226, 5.994460362473613}, {0.30841179446999467, 1.3612614334657698},
        {-0.41327810139687937, 0.6614782992069683}, {1.9050204223716802, 6.719544855276243},
        {-1.8136692775289749, 0.16305474469650097}, {1.433873836194718, 4.1949181826738},
        {-0.841562854673295, 0.4310363495751304},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++)
        worst("exp", rows[i][0], ulps_between(ft__exp(rows[i][0]), rows[i][1]), 5);
}

TEST(math, exp_edges) {
    CHECK(ft__exp(0) == 1 && ft__exp(-0.0) == 1);
    CHECK(ft__finite(ft__exp(709.782712893384)));
    CHECK(ft__exp(709.7827128933841) == INFINITE); /* the next double */
    CHECK(ft__exp(1e300) == INFINITE && ft__exp(INFINITE) == INFINITE);
    CHECK(ft__exp(-745.13) == 4.9406564584124654e-324);
    CHECK(ft__exp(-745.14) == 0 && ft__exp(-1e300) == 0 && ft__exp(-INFINITE) == 0);
    CHECK(is_nan(ft__exp(INFINITE - INFINITE)));
}

TEST(math, log_vectors) {
    static const double rows[][2] = {
        {2.0, 0.6931471805599453}, {10.0, 2.302585092994046}, {0.5, -0.6931471805599453},
        {1.0000000000000002, 2.2204460492503128e-16},
        {0.9999999999999999, -1.1102230246251565e-16}, {1.001, 0.0009995003330834232},
        {0.999, -0.0010005003335835344}, {1.4142135623730951, 0.3465735902799727},
        {1.414213562373095, 0.3465735902799726}, {0.7071067811865476, -0.3465735902799726},
        {1e-300, -690.7755278982137}, {1e+300, 690.7755278982137},
        {2.2250738585072014e-308, -708.3964185322641}, {5e-324, -744.4400719213812},
        {1.7976931348623157e+308, 709.782712893384}, {10000.0, 9.210340371976184},
        {500000.0, 13.122363377404328}, {1e-310, -713.8013788281542},
        {8.99696926547e-236, -541.2131941742521}, {6.6819278567686915e+37, 87.09505498800357},
        {9.718268390868841e-197, -451.33525586631265},
        {1.9679171506390556e+44, 101.99071979122941}, {8.846208103038167e-79, -179.7242334422598},
        {1.947399999655774e+131, 302.30514233160574},
        {1.2573348202761357e-271, -623.7715659426677}, {0.02529702489333678, -3.6770684833120226},
        {9.418967607484401e-45, -101.37360369795829},
        {3.0107426544342856e-21, -47.252100175498846}, {8.005041708355522e-29, -64.6948961401042},
        {2.5387862860562243e-155, -355.96900328738394}, {1.6915692222837366, 0.5256566320097538},
        {1.548491650594357, 0.43728132848526774}, {0.8661447660832293, -0.14370321801258093},
        {1.3616355653880066, 0.3086865987866829}, {1.2877947557171772, 0.2529312638331582},
        {1.8127062433601433, 0.5948208907132446}, {1.5941679341588264, 0.466351928745179},
        {0.9319066473352797, -0.07052263311662255}, {1.970262271238873, 0.6781666664971029},
        {0.6770986673824432, -0.38993827461765035}, {1.1271842326778407, 0.11972269346142028},
        {1.635711394347874, 0.49207781329578515}, {0.7279768019907571, -0.31748609669047534},
        {1.2334446507137085, 0.20981078424456012},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++)
        worst("log", rows[i][0], ulps_between(ft__log(rows[i][0]), rows[i][1]), 3);
}

TEST(math, log_edges) {
    CHECK(ft__log(1) == 0);
    CHECK(ft__log(0) == -INFINITE && ft__log(-0.0) == -INFINITE);
    CHECK(ft__log(INFINITE) == INFINITE);
    CHECK(is_nan(ft__log(-1)) && is_nan(ft__log(-INFINITE)));
    CHECK(is_nan(ft__log(INFINITE - INFINITE)));
}

/* Beside multiples of pi/2 the result is small and its relative error grows; the distance does not:
   2^-66. */
static double angle_ulps(double got, double expected) {
    double distance = got - expected;
    if (distance < 0) distance = -distance;
    return distance <= 1.0 / ((uint64_t)1 << 62) / 16 ? 0 : ulps_between(got, expected);
}

TEST(math, sincos_vectors) {
    static const double rows[][3] = {
        {1.0, 0.8414709848078965, 0.5403023058681398},
        {-1.0, -0.8414709848078965, 0.5403023058681398},
        {0.5, 0.479425538604203, 0.8775825618903728}, {1e-09, 1e-09, 1.0},
        {0.785398163397448, 0.7071067811865472, 0.7071067811865478},
        {0.7853981633974484, 0.7071067811865476, 0.7071067811865475},
        {1.5707963267948966, 1.0, 6.123233995736766e-17},
        {3.141592653589793, 1.2246467991473532e-16, -1.0},
        {-3.141592653589793, -1.2246467991473532e-16, -1.0},
        {6.283185307179586, -2.4492935982947064e-16, 1.0},
        {11.0, -0.9999902065507035, 0.004425697988050785},
        {22.0, -0.008851309290403876, -0.9999608263946371},
        {355.0, -3.014435335948845e-05, -0.999999999545659},
        {710.0, 6.0288706691585265e-05, 0.999999998182636},
        {32767.0, 0.18750655394138943, 0.9822633517692823},
        {131071.0, -0.5752416837547893, -0.8179834993879491},
        {1048575.0, -0.6156211730587509, 0.7880422395289275},
        {1647099.0, -0.3232532403530771, 0.9463124973290988},
        {1647100.0, 0.6216400379214212, 0.7833030468809974},
        {16777216.0, -0.7795636732177778, 0.6263229832915329},
        {103993.0, -1.9129335778423752e-05, 0.9999999998170342},
        {1073741823.0, -0.9955341030193974, -0.09440259384870735},
        {-1073741823.0, 0.9955341030193974, -0.09440259384870735},
        {1073741823.9999999, -0.617326508828835, 0.7867070493501391},
        {1068966896.0, 1.0446332790737633e-09, -1.0},
        {1647100.8999616124, 1.0, -1.0785287648567095e-10},
        {26353590.837440897, 1.0, -1.7058885251311856e-09},
        {210828715.70395288, 1.0, -5.690602064965611e-09},
        {843314858.1034225, 0.9999999999999999, -1.0837527805056412e-08},
        {-9.215854859051246, -0.207406539361502, -0.978254837672723},
        {3.3643171306879047, -0.22088762010814106, -0.9752992665243636},
        {5.291417324256262, -0.8369947457894066, 0.547210924160809},
        {1.4605188055476788, 0.9939255938698458, 0.11005414054216381},
        {7.509556236617765, 0.9412696259439266, 0.3376558770040595},
        {-3.725049743038065, 0.5509123823908499, -0.834563087446622},
        {3.9059073254731853, -0.692042452356203, -0.7218568030688722},
        {1.8873975421003681, 0.9502990773818005, -0.3113385031236881},
        {55.24747729060814, -0.9638759529537442, 0.26635154836702485},
        {-396215058.9258672, -0.8288365311415166, 0.5594908441121247},
        {4567881.403082913, -0.5633393531275195, 0.8262256188341462},
        {-47.74921524132052, 0.585361159740922, -0.8107726639858813},
        {1858040.1132218195, 0.9932647674324744, -0.11586674146325454},
        {2701.3855301505446, -0.37477301803051266, 0.9271165972822949},
        {140213264.5962216, 0.7998374630052768, 0.6002166548616279},
        {24.027857860178834, -0.8934118018682257, 0.44923863623086807},
        {9688.562068322759, -0.1094556053849054, 0.9939916853021578},
        {-116989.36479535981, -0.39312858181552585, -0.9194835061923152},
        {-16478227.161946364, -0.9382676511077583, -0.3459101254440667},
        {-9618949.209611123, -0.9200854928915881, -0.3917176097272668},
        {18365.267398957378, -0.46466294388574003, 0.8854876332165444},
        {68.36157975245419, -0.6841653165946847, 0.7293269634182565},
        {22269.023315116625, 0.9878240302427799, 0.15557533633231038},
        {131271590.78743124, -0.3760339030263592, -0.9266059053204673},
        {92541439.97926182, -0.6544099763860887, -0.7561399227698262},
        {5406690.890797576, -0.48747154419822225, -0.8731388741758098},
        {3528930.3955439283, -0.9776370215854427, -0.21029943895679956},
        {501269530.8171783, -0.8123611929611643, -0.5831546040037016},
        {-71.38762305332311, -0.7636888797203348, -0.6455844599984575},
        {-1046.15328375388, 0.0029301042861271374, -0.9999957072352222},
        {-19.885425891372442, -0.860306173185417, 0.5097776852502112},
        {-1822.1324314153348, -0.008692223794577163, 0.9999622219091604},
        {-220.95154423141108, -0.8624338295928418, 0.506169822859705},
        {948391.5720378992, 0.9631792223067001, 0.2688601601514448},
        {461113308.3769832, 0.795308817650857, -0.606204490718104},
        {-60002.574279256914, 0.9625315751393636, -0.2711696274654219},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        double s, c;
        ft__sincos(rows[i][0], &s, &c);
        worst("sin", rows[i][0], angle_ulps(s, rows[i][1]), 2);
        worst("cos", rows[i][0], angle_ulps(c, rows[i][2]), 2);
    }
}

/* What no table needs to tell: the circle, symmetry, and the sum of angles over the whole range. */
TEST(math, sincos_identities) {
    double s, c, worst_circle = 0, worst_sum = 0;
    ft__sincos(0, &s, &c);
    CHECK(s == 0 && c == 1);
    double s1, c1;
    ft__sincos(1, &s1, &c1);
    for (uint64_t i = 0; i < 100000; i++) {
        double x = (double)(i * 10737 + i % 64) + (double)(i % 97) / 128, t, d;
        ft__sincos(x, &s, &c);
        ft__sincos(x + 1, &t, &d); /* exact: both have at most 37 bits */
        double circle = s * s + c * c - 1, sum = s * c1 + c * s1 - t;
        if (circle < 0) circle = -circle;
        if (sum < 0) sum = -sum;
        if (circle > worst_circle) worst_circle = circle;
        if (sum > worst_sum) worst_sum = sum;
        ft__sincos(-x, &t, &d);
        if (!CHECK(t == -s && d == c)) break;
    }
    CHECK(worst_circle < 8e-16);
    CHECK(worst_sum < 8e-16);
}

/* The error of the logarithm is multiplied by the exponent: a few units per unit of y log x. */
TEST(math, pow_vectors) {
    static const double rows[][3] = {
        {10000.0, -0.03125, 0.7498942093324559}, {10000.0, -0.21875, 0.1333521432163324},
        {10000.0, -0.5, 0.01}, {10000.0, -0.96875, 0.0001333521432163324},
        {10000.0, -0.015625, 0.8659643233600653}, {10000.0, -0.109375, 0.3651741272548377},
        {10000.0, -0.5, 0.01}, {10000.0, -0.984375, 0.00011547819846894582},
        {500000.0, -0.015625, 0.8146172338565447}, {500000.0, -0.109375, 0.23805382048035073},
        {500000.0, -0.5, 0.001414213562373095}, {500000.0, -0.984375, 2.455140791131609e-06},
        {1000000.0, -0.025, 0.7079457843841379}, {1000000.0, -0.175, 0.08912509381337456},
        {1000000.0, -0.5, 0.001}, {1000000.0, -0.975, 1.4125375446227548e-06},
        {2.0, 10.0, 1024.0}, {2.0, 0.5, 1.4142135623730951}, {10.0, -5.0, 1e-05},
        {1.0, 1000000000.0, 1.0}, {123.456, 0.0, 1.0},
        {0.001, 0.3333333333333333, 0.10000000000000002},
        {1.0000000000000002, 1000000000000000.0, 1.2486270715390861},
        {9523.798263475464, 2.7113173249891336, 61350342848.89537},
        {144.40938585722287, 0.3556304451396568, 5.861622976659818},
        {0.2886708614025788, -0.635279904147815, 2.2018876894569104},
        {1.810317057151516, -0.5973442169019068, 0.7015065886861536},
        {0.0030076682339852034, 2.908005604539656, 4.641715306558172e-08},
        {0.7362328066729341, -2.340430169997201, 2.047583956954796},
        {24.928200955644662, -2.3857224136486677, 0.00046546081608138634},
        {11.8134578684851, 0.21971212781061356, 1.720339814734952},
        {52937.78782901761, 0.6824235778525862, 1673.436166063129},
        {0.00021324745103142834, -1.7522839033274806, 2709179.240885611},
        {0.17853795983018841, 0.8064574712034052, 0.24920257518690592},
        {61101.79521235737, 0.6136751337720496, 865.1318689517807},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        double size = rows[i][1] * ft__log(rows[i][0]);
        worst("pow", rows[i][0], ulps_between(ft__pow(rows[i][0], rows[i][1]), rows[i][2]),
              5 + 2 * (size < 0 ? -size : size));
    }
}

TEST(math, sqrt_vectors) {
    static const double rows[][2] = {
        {2.0, 1.4142135623730951}, {3.0, 1.7320508075688772}, {10.0, 3.1622776601683795},
        {0.1, 0.31622776601683794}, {64.0, 8.0}, {128.0, 11.313708498984761},
        {1e-310, 9.999999999999986e-156}, {5e-324, 2.2227587494850775e-162},
        {2.2250738585072014e-308, 1.4916681462400413e-154},
        {1.7976931348623157e+308, 1.3407807929942596e+154},
        {0.9999999999999999, 0.9999999999999999}, {1.0000000000000002, 1.0},
        {3.9999999999999996, 1.9999999999999998}, {4.000000000000001, 2.0},
        {1.42103475816508e-180, 1.1920716245952169e-90},
        {3.3888977272904506e+252, 1.840895903436816e+126},
        {3.0449961141013165e+62, 1.7449917232185706e+31},
        {5.810674202010813e-197, 7.62277784145046e-99}, {28666.657512528785, 169.31230762271474},
        {1.1183787858506987e-123, 3.344217077061085e-62},
        {8.788120819116712e-70, 2.964476483144488e-35},
        {1.0317685263779875e+124, 1.0157600732348104e+62},
        {1.1765680793433678e-289, 3.430113816396429e-145},
        {2.5093054824448942e+45, 5.009296839322755e+22},
        {1.5045248105750128e-210, 1.2265907265975122e-105},
        {0.848098392953901, 0.9209225770681817},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++)
        worst("sqrt", rows[i][0], ulps_between(ft__sqrt(rows[i][0]), rows[i][1]), 1);
}

TEST(math, sqrt_of_squares_is_exact) {
    long wrong = 0;
    for (int64_t k = 1; k < 67108864; k += k < 70000 ? 1 : 997) {
        double root = (double)k;
        wrong += ft__sqrt(root * root) != root;
        root *= 9.5367431640625e-7; /* 2^-20 */
        wrong += ft__sqrt(root * root) != root;
    }
    CHECK_INT(wrong, 0);
    for (int e = -537; e < 512; e++) { /* every even power of two, the subnormal ones too */
        uint64_t half = e >= -1022 ? (uint64_t)(e + 1023) << 52 : 0;
        double root = double_of(half);
        if (!CHECK(ft__sqrt(root * root) == root)) test_note("2^%d", 2 * e);
    }
}

TEST(math, sqrt_edges) {
    CHECK(double_bits(ft__sqrt(0)) == 0 && double_bits(ft__sqrt(-0.0)) == (uint64_t)1 << 63);
    CHECK(ft__sqrt(INFINITE) == INFINITE);
    CHECK(is_nan(ft__sqrt(-1)) && is_nan(ft__sqrt(-INFINITE)));
    CHECK(is_nan(ft__sqrt(INFINITE - INFINITE)));
}

TEST(math, floor) {
    static const double rows[][2] = {
        {0, 0},       {0.5, 0},     {0.9999999999999999, 0}, {1, 1},           {1.5, 1},
        {-0.5, -1},   {-1, -1},     {-1.0000000000000002, -2}, {-5e-324, -1},  {5e-324, 0},
        {1e300, 1e300}, {-1e300, -1e300}, {4503599627370495.5, 4503599627370495.0},
        {-4503599627370495.5, -4503599627370496.0}, {4503599627370496.0, 4503599627370496.0},
        {-4503599627370496.0, -4503599627370496.0}, {9007199254740993.0, 9007199254740993.0},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) CHECK(ft__floor(rows[i][0]) == rows[i][1]);
    CHECK(ft__floor(INFINITE) == INFINITE && ft__floor(-INFINITE) == -INFINITE);
    CHECK(is_nan(ft__floor(INFINITE - INFINITE)));
}

TEST(math, finite) {
    CHECK(ft__finite(0) && ft__finite(DBL_MAX) && ft__finite(-DBL_MAX) && ft__finite(5e-324));
    CHECK(!ft__finite(INFINITE) && !ft__finite(-INFINITE) && !ft__finite(INFINITE - INFINITE));
}

/* ---- single precision */

/* exp(x) as exp(x/1024) squared ten times: loses ten bits of 64 (or of 53, enough here). */
static long double exact_exp(long double x) {
    long double r = x / 1024, sum = 1;
    for (int i = 12; i >= 1; i--) sum = 1 + sum * r / i;
    for (int i = 0; i < 10; i++) sum *= sum;
    return sum;
}

static long double exact_tanh(long double x) {
    if (x > 0.5L) return 1 - 2 / (exact_exp(2 * x) + 1);
    long double z = x * x, sinh_x = 1, cosh_x = 1;
    for (int i = 18; i >= 2; i -= 2) {
        sinh_x = 1 + sinh_x * z / (i * (i + 1));
        cosh_x = 1 + cosh_x * z / (i * (i - 1));
    }
    return x * sinh_x / cosh_x;
}

TEST(math, expf_sweep) {
    double most = 0;
    float at = 0;
    for (uint32_t bits = 0; bits <= ft__bits_of(88.0f); bits += 2503) { /* both signs */
        float x = ft__float_of(bits);
        double off = ulps_off(ft__expf(x), exact_exp(x));
        if (off > most) most = off, at = x;
        if (x > 87.0f) continue;
        off = ulps_off(ft__expf(-x), exact_exp(-x));
        if (off > most) most = off, at = -x;
    }
    worst("expf", at, most, 1.1);
}

TEST(math, expf_edges) {
    float inf = ft__float_of(0x7F800000), nan = ft__float_of(0x7FC00000);
    CHECK(ft__expf(0.0f) == 1 && ft__expf(-0.0f) == 1);
    CHECK(ft__expf(-87.0f) > FLT_MIN);
    CHECK(ft__expf(ft__float_of(ft__bits_of(-87.0f) + 1)) == 0); /* the next float below */
    CHECK(ft__expf(-88.0f) == 0 && ft__expf(-FLT_MAX) == 0 && ft__expf(-inf) == 0);
    CHECK(ft__expf(88.0f) > 1.6e38f && ft__expf(88.0f) <= FLT_MAX);
    CHECK(ft__expf(88.5f) == ft__expf(88.0f) && ft__expf(FLT_MAX) == ft__expf(88.0f));
    CHECK(ft__expf(inf) == ft__expf(88.0f));
    CHECK(ft__bits_of(ft__expf(nan)) == 0 && ft__bits_of(ft__expf(-nan)) == 0);
}

TEST(math, recipf_sweep) {
    double most = 0;
    float at = 0;
    for (uint32_t bits = 0x00800000; bits <= 0x7E800000; bits += 1021) { /* 2^-126 to 2^126 */
        float x = ft__float_of(bits), y = ft__recipf(x);
        double off = ulps_off(y, 1.0L / x);
        if (off > most) most = off, at = x;
        if (!CHECK(ft__recipf(-x) == -y)) break;
    }
    worst("recipf", at, most, 2);
    worst("recipf", FLT_MIN, ulps_off(ft__recipf(FLT_MIN), 1.0L / FLT_MIN), 2);
    worst("recipf", 1, ulps_off(ft__recipf(1), 1), 2);
    float top = ft__float_of(0x7E800000);
    worst("recipf", top, ulps_off(ft__recipf(top), 1.0L / top), 2);
}

/* For y near 1/sqrt(x):  y - 1/sqrt(x) = y (x y y - 1) / 2, nearly. */
TEST(math, rsqrtf_sweep) {
    double most = 0;
    float at = 0;
    for (uint32_t bits = 0x00800000; bits < 0x7F800000; bits += 1021) {
        float x = ft__float_of(bits), y = ft__rsqrtf(x);
        long double residue = ((long double)x * y * y - 1) / 2;
        double off = residue < 0.001L && residue > -0.001L ? ulps_off(y, y - y * residue) : 1e99;
        if (off > most) most = off, at = x;
    }
    worst("rsqrtf", at, most, 3);
}

TEST(math, tanhf_sweep) {
    double most = 0;
    float at = 0;
    for (uint32_t bits = 0; bits <= ft__bits_of(25.0f); bits += 4001) {
        float x = ft__float_of(bits), y = ft__tanhf(x);
        double off = ulps_off(y, exact_tanh(x));
        if (off > most) most = off, at = x;
        if (!CHECK(ft__bits_of(ft__tanhf(-x)) == (ft__bits_of(y) | 0x80000000u))) break;
    }
    worst("tanhf", at, most, 2);
}

TEST(math, tanhf_edges) {
    float inf = ft__float_of(0x7F800000);
    CHECK(ft__bits_of(ft__tanhf(0.0f)) == 0 && ft__bits_of(ft__tanhf(-0.0f)) == 0x80000000u);
    CHECK(ft__tanhf(1e-40f) == 1e-40f && ft__tanhf(FLT_MIN) == FLT_MIN);
    CHECK(ft__tanhf(10.0f) == 1 && ft__tanhf(FLT_MAX) == 1 && ft__tanhf(inf) == 1);
    CHECK(ft__tanhf(-10.0f) == -1 && ft__tanhf(-inf) == -1);
    for (uint32_t bits = ft__bits_of(0.6f); bits < ft__bits_of(0.65f); bits += 3) /* the seam */
        if (!CHECK(ft__tanhf(ft__float_of(bits)) < 1)) break;
}

/* ---- half precision */

/* The value of a finite half, from its definition. */
static double half_value(unsigned h) {
    double value = (h >> 10 & 31) ? 1024 + (h & 1023) : h & 1023;
    for (int e = (h >> 10 & 31) ? (int)(h >> 10 & 31) : 1; e < 25; e++) value /= 2;
    for (int e = (int)(h >> 10 & 31); e > 25; e--) value *= 2;
    return h & 0x8000 ? -value : value;
}

TEST(math, f16_all_values) {
    for (unsigned h = 0; h < 65536; h++) {
        float f = ft__f16_to_f32((uint16_t)h);
        uint32_t bits = ft__bits_of(f);
        unsigned back = ft__f32_to_f16(f);
        bool ok = bits >> 31 == h >> 15;
        if ((h & 0x7FFF) < 0x7C00) ok = ok && f == half_value(h) && back == h;
        else if ((h & 0x7FFF) == 0x7C00) ok = ok && (bits & 0x7FFFFFFF) == 0x7F800000 && back == h;
        else ok = ok && is_nan(f) && back == (h | 0x200); /* a NaN becomes a quiet one */
        if (!CHECK(ok)) {
            test_note("%04x gave %08x and %04x", h, bits, back);
            break;
        }
    }
}

/* Between two neighbours: just below the middle, the middle (to the even one), just above. */
TEST(math, f16_rounds_half_to_even) {
    for (unsigned h = 0; h < 0x7C00; h++) {
        double above = h == 0x7BFF ? 65536.0 : half_value(h + 1);
        float middle = (float)((half_value(h) + above) / 2);
        uint32_t bits = ft__bits_of(middle);
        unsigned even = h & 1 ? h + 1 : h;
        bool ok = ft__f32_to_f16(middle) == even &&
                  ft__f32_to_f16(ft__float_of(bits - 1)) == h &&
                  ft__f32_to_f16(ft__float_of(bits + 1)) == h + 1 &&
                  ft__f32_to_f16(-middle) == (even | 0x8000) &&
                  ft__f32_to_f16(ft__float_of((bits - 1) | 0x80000000u)) == (h | 0x8000) &&
                  ft__f32_to_f16(ft__float_of((bits + 1) | 0x80000000u)) == ((h + 1) | 0x8000);
        if (!CHECK(ok)) {
            test_note("above %04x", h);
            break;
        }
    }
}

TEST(math, f16_edges) {
    CHECK_INT(ft__f32_to_f16(65504.0f), 0x7BFF);
    CHECK_INT(ft__f32_to_f16(65520.0f), 0x7C00);
    CHECK_INT(ft__f32_to_f16(FLT_MAX), 0x7C00);
    CHECK_INT(ft__f32_to_f16(-FLT_MAX), 0xFC00);
    CHECK_INT(ft__f32_to_f16(ft__float_of(0x7F800000)), 0x7C00);
    CHECK_INT(ft__f32_to_f16(ft__float_of(1)), 0);
    CHECK_INT(ft__f32_to_f16(ft__float_of(0x80000001u)), 0x8000);
    CHECK_INT(ft__f32_to_f16(ft__float_of(0x7F800001)), 0x7E00); /* a NaN whose payload goes */
    CHECK_INT(ft__f32_to_f16(ft__float_of(0xFFC00000u)), 0xFE00);
}

TEST(math, bf16_all_values) {
    for (unsigned h = 0; h < 65536; h++) {
        float f = ft__bf16_to_f32((uint16_t)h);
        unsigned expected = is_nan(f) ? h | 0x40 : h;
        if (!CHECK(ft__bits_of(f) == (uint32_t)h << 16) || !CHECK_INT(ft__f32_to_bf16(f), expected))
            break;
    }
    for (unsigned h = 0; h < 65536; h++) {
        if ((h & 0x7FFF) >= 0x7F80) continue;
        uint32_t middle = (uint32_t)h << 16 | 0x8000;
        if (!CHECK_INT(ft__f32_to_bf16(ft__float_of(middle)), h & 1 ? h + 1 : h) ||
            !CHECK_INT(ft__f32_to_bf16(ft__float_of(middle - 1)), h) ||
            !CHECK_INT(ft__f32_to_bf16(ft__float_of(middle + 1)), h + 1))
            break;
    }
    CHECK_INT(ft__f32_to_bf16(FLT_MAX), 0x7F80);
    CHECK_INT(ft__f32_to_bf16(ft__float_of(0x7F800001)), 0x7FC0);
}

/* ---- the same bits everywhere */

static void check_digest(ft__sha256 *h, const char *name, const char *expected) {
    uint8_t digest[32];
    char hex[65];
    ft__sha256_end(h, digest);
    ft__hex(digest, 32, hex);
    if (!CHECK_TEXT(hex, expected)) test_note("%s", name);
}

TEST(math, pinned_bits_of_the_float_functions) {
    static const struct {
        const char *name;
        float (*fn)(float);
        uint32_t first, last; /* the bits of the arguments: all of the documented range */
        const char *digest;
    } rows[] = {
        {"expf", ft__expf, 0, 0xFFFFFFFF,
         "bc22ebc116862b923b6acb3364a39d17da4ddb6604b56c06077f477ffc477c64"},
        {"tanhf", ft__tanhf, 0, 0xFFFFFFFF,
         "3f895036bcdb1c16d3727848bf149395ec379509f134d5136fe27be56a687554"},
        {"recipf", ft__recipf, 0x00800000, 0x7E800000,
         "53ba607d55821069ea9fc7f2a518ee4ad9e3d32b00ec0036902488bf984f4c85"},
        {"rsqrtf", ft__rsqrtf, 0x00800000, 0x7F7FFFFF,
         "459490a7233c3e9917cc7c37ade2cd30c16da708547930bb95fdd1deae975ece"},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        ft__sha256 h;
        uint32_t out[256];
        size_t n = 0;
        ft__sha256_init(&h);
        for (uint64_t bits = rows[i].first; bits <= rows[i].last; bits += 8191) {
            out[n++] = ft__bits_of(rows[i].fn(ft__float_of((uint32_t)bits)));
            if (n == FT__COUNT(out)) ft__sha256_add(&h, out, sizeof out), n = 0;
        }
        ft__sha256_add(&h, out, n * sizeof out[0]);
        check_digest(&h, rows[i].name, rows[i].digest);
    }
}

TEST(math, pinned_bits_of_half_precision) {
    ft__sha256 h, b;
    ft__sha256_init(&h);
    ft__sha256_init(&b);
    for (uint64_t bits = 0; bits <= 0xFFFFFFFF; bits += 8191) {
        uint16_t half = ft__f32_to_f16(ft__float_of((uint32_t)bits));
        uint16_t brain = ft__f32_to_bf16(ft__float_of((uint32_t)bits));
        ft__sha256_add(&h, &half, sizeof half);
        ft__sha256_add(&b, &brain, sizeof brain);
    }
    check_digest(&h, "f16", "8d2aee5491c117ea71a0c4056752c8cdc9ea1ffff7ea8b87de29671b425a2419");
    check_digest(&b, "bf16", "3f3309c488be75e82eedadb6bfc8260d46b6e45f1422fbcd0979ba40337a8830");
}

TEST(math, pinned_bits_of_the_double_functions) {
    ft__sha256 h;
    ft__sha256_init(&h);
    for (int i = 0; i < 30000; i++) {
        double t = i / 30000.0, out[7];
        uint64_t bits = (uint64_t)(i + 1) * 307000000000001u; /* nearly to the largest double */
        out[0] = ft__exp((t - 0.5) * 1480);
        out[1] = ft__log(double_of(bits));
        ft__sincos((t * t * t - 0.3) * 1073741824.0, &out[2], &out[3]);
        ft__sincos(t * 100, &out[4], &out[5]);
        out[6] = ft__sqrt(double_of(bits));
        ft__sha256_add(&h, out, sizeof out);
        double power = ft__pow(10000.0 + i, -t), whole = ft__floor((t - 0.5) * 1e6);
        ft__sha256_add(&h, &power, 8);
        ft__sha256_add(&h, &whole, 8);
    }
    check_digest(&h, "double", "fd9090af12c21d4dca8648f50455ec6cf4ecf24ccc7331125b4e10432f79bcce");
}
