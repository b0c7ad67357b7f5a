/* make_unicode FOLDER - makes src/io/unicode_tables.h from the Unicode Character Database; writes
   to stdout.  From the repository's root:

     cc -o build/make_unicode src/tools/make_unicode.c
     build/make_unicode /usr/share/unicode > src/io/unicode_tables.h

   (the folder is that of Debian's package unicode-data).  io/unicode.c explains the format. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 0x110000, N_LOW = 0x800, LINE_CHARS = 64, HALF = 45 };

/* A kind is a class together with a part in the rule of the final sigma. */
enum { PLAIN, CASED, IGNORABLE };
static const char *const casings[] = {"FT__UNICODE_PLAIN", "FT__UNICODE_CASED",
                                      "FT__UNICODE_IGNORABLE"};
typedef struct kind {
    const char *class_name;
    int casing;
} kind;
static const kind kinds[] = {
    {"LU", CASED},  {"LT", CASED},     {"LL", CASED}, {"LM", IGNORABLE},   {"LO", PLAIN},
    {"LO", CASED},  {"M", IGNORABLE},  {"M", PLAIN},  {"ND", PLAIN},       {"NO", PLAIN},
    {"NO", CASED},  {"P", PLAIN},      {"P", IGNORABLE}, {"S", PLAIN},     {"S", IGNORABLE},
    {"S", CASED},   {"Z", PLAIN},      {"CONTROL_SPACE", PLAIN}, {"C", PLAIN}, {"C", IGNORABLE},
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0], ALTERNATING = N_KINDS, LU = 0, LL = 2 };

static char category[N][3];
static unsigned char cased[N], ignorable[N], space[N], kind_of[N];
static long lower[N];
static unsigned char combining[N], excluded[N];
static long parts[N][2]; /* canonical decomposition; 0: none */
static char version[32];

static void die(const char *what, const char *where) {
    fprintf(stderr, "make_unicode: %s: %s\n", where, what);
    exit(1);
}

static FILE *open_file(const char *folder, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r");
    if (!f) die("cannot be read", path);
    return f;
}

/* Splits at semicolons in place; empty fields count. */
static int split(char *line, char **field, int cap) {
    int n = 0;
    line[strcspn(line, "\n")] = 0;
    for (char *p = line; p && n < cap; n++) {
        field[n] = p;
        p = strchr(p, ';');
        if (p) *p++ = 0;
    }
    return n;
}

static void read_data(const char *folder) {
    char line[1024], *field[15];
    long first = -1;
    FILE *f = open_file(folder, "UnicodeData.txt");
    for (long c = 0; c < N; c++) strcpy(category[c], "Cn"), lower[c] = c;
    while (fgets(line, sizeof line, f)) {
        if (split(line, field, 15) != 15) die("not 15 fields", "UnicodeData.txt");
        long c = strtol(field[0], NULL, 16);
        if (c < 0 || c >= N || strlen(field[2]) != 2) die("malformed", "UnicodeData.txt");
        if (strstr(field[1], ", First>")) first = c;
        for (long i = strstr(field[1], ", Last>") ? first : c; i <= c; i++)
            strcpy(category[i], field[2]);
        if (*field[13]) lower[c] = strtol(field[13], NULL, 16);
        combining[c] = (unsigned char)atoi(field[3]);
        if (*field[5] && *field[5] != '<') sscanf(field[5], "%lx %lx", &parts[c][0], &parts[c][1]);
        if (parts[c][1] && parts[c][1] < 0x300) die("a second part below U+0300", field[0]);
    }
    fclose(f);
}

/* "0041..005A ; Cased # L& [26] ..." */
static void read_property(const char *folder, const char *name, const char *property,
                          unsigned char *set) {
    char line[1024], found[64];
    long n = 0;
    FILE *f = open_file(folder, name);
    while (fgets(line, sizeof line, f)) {
        unsigned long first, last;
        if (sscanf(line, "# DerivedCoreProperties-%16[0-9.].txt", version) == 1) {
            size_t end = strlen(version);
            if (version[end - 1] == '.') version[end - 1] = 0;
        }
        if (sscanf(line, "%lx..%lx ; %60[A-Za-z_]", &first, &last, found) != 3) {
            if (sscanf(line, "%lx ; %60[A-Za-z_]", &first, found) != 2) continue;
            last = first;
        }
        if (strcmp(found, property) != 0) continue;
        for (; first <= last && first < N; first++, n++) set[first] = 1;
    }
    fclose(f);
    if (!n) die("property not found", property);
}

/* io/unicode.c knows one letter whose lower case is longer than one character. */
static void check_special(const char *folder) {
    char line[1024], *field[6];
    FILE *f = open_file(folder, "SpecialCasing.txt");
    while (fgets(line, sizeof line, f)) {
        if (line[0] == '#' || split(line, field, 6) < 5) continue;
        int conditional = strchr(field[4], '#') == NULL;
        if (!conditional && strchr(field[1] + 1, ' ') && strcmp(field[0], "0130") != 0)
            die("a new letter with a long lower case", field[0]);
    }
    fclose(f);
}

static const char *class_of(long c) {
    static const char *const names[][2] = {
        {"Lu", "LU"}, {"Lt", "LT"}, {"Ll", "LL"}, {"Lm", "LM"}, {"Lo", "LO"}, {"Nd", "ND"},
        {"N", "NO"},  {"M", "M"},   {"P", "P"},   {"S", "S"},   {"Z", "Z"},   {"C", "C"},
    };
    if (space[c] && category[c][0] == 'C') return "CONTROL_SPACE";
    if (space[c] != (category[c][0] == 'Z')) die("White_Space is not Z and controls", category[c]);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strncmp(category[c], names[i][0], strlen(names[i][0])) == 0) return names[i][1];
    die("unknown category", category[c]);
    return NULL;
}

static void find_kinds(void) {
    for (long c = 0; c < N; c++) {
        const char *name = class_of(c);
        int casing = ignorable[c] ? IGNORABLE : cased[c] ? CASED : PLAIN, k = 0;
        while (k < N_KINDS && (strcmp(kinds[k].class_name, name) || kinds[k].casing != casing)) k++;
        if (k == N_KINDS) die("a kind is missing in make_unicode.c", name);
        kind_of[c] = (unsigned char)k;
    }
}

static char digit(long value) { /* the printable characters from '#' without '?' and '\' */
    int c = '#' + (int)value;
    if (c >= '?') c++;
    if (c >= '\\') c++;
    return (char)c;
}

static int encode(char *out, int kind, long length) {
    int n = 0;
    out[n++] = digit(kind * 4 + (length < 4 ? length - 1 : 3));
    if (length < 4) return n;
    for (length -= 4; length >= HALF; length /= HALF) out[n++] = digit(HALF + length % HALF);
    out[n++] = digit(length);
    return n;
}

static long run_length(long c) {
    long end = c + 1;
    while (end < N && kind_of[end] == kind_of[c]) end++;
    return end - c;
}

/* How long capital and small letters take turns from c on. */
static long alternating_length(long c) {
    long end = c;
    while (end < N && kind_of[end] == ((end - c) % 2 ? LL : LU)) end++;
    return end - c;
}

static void write_runs(void) {
    int column = 0;
    printf("static const ft__unicode_line ft__unicode_lines[] = {\n");
    for (long c = 0, length; c < N; c += length) {
        char text[16];
        long turns = alternating_length(c);
        length = run_length(c);
        int n = turns >= 4 ? encode(text, ALTERNATING, length = turns)
                           : encode(text, kind_of[c], length);
        if (column + n > LINE_CHARS) printf("\"},\n"), column = 0;
        if (column == 0) printf("    {0x%lX, \"", c);
        printf("%.*s", n, text);
        column += n;
    }
    printf("\"}};\n\n");
}

static long lower_length(long c, int step) {
    long end = c;
    while (end < N && lower[end] != end && lower[end] - end == lower[c] - c) end += step;
    return (end - c) / step;
}

static void write_lower(void) {
    int column = 0;
    printf("static const ft__unicode_case ft__unicode_lower[] = {");
    for (long c = 0; c < N;) {
        char text[64];
        if (lower[c] == c) {
            c++;
            continue;
        }
        /* Every second character is in capitals only as long as the one between is not. */
        bool alone = lower_length(c, 2) == 1 || lower[c + 1] != c + 1;
        int step = alone || lower_length(c, 1) > 1 ? 1 : 2;
        long count = lower_length(c, step);
        for (long i = 1; step == 2 && i < count; i++)
            if (lower[c + 2 * i - 1] != c + 2 * i - 1) count = i;
        int n = snprintf(text, sizeof text, "{0x%lX,%ld,%d,%ld},", c, count, step, lower[c] - c);
        if (column == 0 || column + n > 98) printf("\n    "), column = 4;
        printf("%s", text);
        column += n;
        c += count * step;
        if (step == 2) c--;
    }
    printf("\n};\n");
}

static int number(char *out, long value) {
    int n = 0;
    for (; value >= HALF; value /= HALF) out[n++] = digit(HALF + value % HALF);
    out[n++] = digit(value);
    return n;
}

/* Adds an entry to a string of many lines, or (list) to a list of strings: C99 promises no string of more
   than 4095 characters. */
static void write_entry(const char *entry, int n, bool list, int *column) {
    if (*column + n > 90) printf("\"%s\n    \"", list ? "," : ""), *column = 0;
    printf("%.*s", n, entry);
    *column += n;
}

static void write_combining(void) {
    int column = 0;
    long last = 0;
    printf("\n/* Combining classes: how far on, how many, which. */\n"
           "static const char ft__unicode_combining[] =\n    \"");
    for (long c = 0; c < N; c++) {
        char text[16];
        long count = 0;
        if (!combining[c]) continue;
        while (c + count < N && combining[c + count] == combining[c]) count++;
        int n = number(text, c - last);
        n += number(text + n, count);
        n += number(text + n, combining[c]);
        write_entry(text, n, false, &column);
        last = c + count;
        c = last - 1;
    }
    printf("\";\n");
}

static void write_parts(void) {
    int column = 0;
    long last = 0;
    printf("\n/* Canonical decompositions: how far on, the first part, and 0 or the second, from 1\n"
           "   on, doubled, and 1 more where it is not to be composed again. */\n"
           "static const char *const ft__unicode_parts[] = {\n    \"");
    for (long c = 0; c < N; c++) {
        char text[24];
        if (!parts[c][0]) continue;
        int n = number(text, c - last);
        n += number(text + n, parts[c][0]);
        n += number(text + n, parts[c][1] ? (parts[c][1] - 0x2FF) * 2 + excluded[c] : 0);
        write_entry(text, n, true, &column);
        last = c;
    }
    printf("\"};\n");
}

int main(int argc, char **argv) {
    if (argc != 2) die("usage: make_unicode FOLDER", "arguments");
    read_data(argv[1]);
    read_property(argv[1], "DerivedCoreProperties.txt", "Cased", cased);
    read_property(argv[1], "DerivedCoreProperties.txt", "Case_Ignorable", ignorable);
    read_property(argv[1], "PropList.txt", "White_Space", space);
    read_property(argv[1], "DerivedNormalizationProps.txt", "Full_Composition_Exclusion", excluded);
    check_special(argv[1]);
    find_kinds();

    printf("/* Made by src/tools/make_unicode.c from Unicode %s; do not edit.\n", version);
    printf("   The format is explained in io/unicode.c. */\n\n");
    printf("static const ft__unicode_kind ft__unicode_kinds[] = {\n");
    for (int k = 0; k < N_KINDS; k++)
        printf("    {FT__UNICODE_%s, %s},\n", kinds[k].class_name, casings[kinds[k].casing]);
    printf("};\n#define FT__UNICODE_ALTERNATING %d\n\n", ALTERNATING);
    printf("static const char ft__unicode_low[] = /* 'A' + kind of U+0000..U+%04X */", N_LOW - 1);
    for (int c = 0; c < N_LOW; c++)
        printf("%s%c%s", c % 64 == 0 ? "\n    \"" : "", 'A' + kind_of[c], c % 64 == 63 ? "\"" : "");
    printf(";\n\n");
    write_runs();
    write_lower();
    write_combining();
    write_parts();
    return fflush(stdout) != 0 || ferror(stdout);
}
