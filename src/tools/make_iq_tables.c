/* make_iq_tables FILE - makes src/num/iq_tables.h from iq_grids.json, which lists the grids of the IQ formats;
   writes to stdout.  From the repository's root:

     cc -o build/make_iq_tables src/tools/make_iq_tables.c
     build/make_iq_tables ../shared/data/quants/iq_grids.json > src/num/iq_tables.h

   A grid's entry is 8 (or 4) magnitudes out of a few; the table holds their places in that list, two (or
   three) bits each, the first one lowest.  num/unpack.c has the lists. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct grid {
    const char *name;
    int n_entries, n_values, bits;
    int levels[8];
} grid;

static const grid grids[] = {
    {"iq2_xxs", 256, 8, 2, {8, 25, 43, -99, -99, -99, -99, -99}},
    {"iq2_xs", 512, 8, 2, {8, 25, 43, -99, -99, -99, -99, -99}},
    {"iq2_s", 1024, 8, 2, {8, 25, 43, -99, -99, -99, -99, -99}},
    {"iq3_xxs", 256, 4, 3, {4, 12, 20, 28, 36, 44, 52, 62}},
    {"iq3_s", 512, 4, 3, {1, 3, 5, 7, 9, 11, 13, 15}},
    {"iq1_s", 2048, 8, 2, {-1, 0, 1, -99, -99, -99, -99, -99}},
};

static void die(const char *what, const char *where) {
    fprintf(stderr, "make_iq_tables: %s: %s\n", where, what);
    exit(1);
}

static int next_value(const char **p, const grid *g) {
    *p += strcspn(*p, "-0123456789\"");
    char *end;
    long value = strtol(*p, &end, 10);
    if (end == *p) die("the list ends early", g->name);
    *p = end;
    for (int k = 0; k < 8; k++)
        if (g->levels[k] == value) return k;
    die("a magnitude that is not in the list", g->name);
    return 0;
}

static void make(const char *text, const grid *g) {
    char key[32];
    snprintf(key, sizeof key, "\"%s\"", g->name);
    const char *p = strstr(text, key);
    if (!p) die("not in the file", g->name);
    p += strlen(key);
    printf("\nstatic const uint16_t ft__%s_grid[%d] = {", g->name, g->n_entries);
    for (int i = 0; i < g->n_entries; i++) {
        unsigned entry = 0;
        for (int k = 0; k < g->n_values; k++) entry |= (unsigned)next_value(&p, g) << (g->bits * k);
        printf("%s%u,", i % 16 ? " " : "\n    ", entry);
    }
    printf("\n};\n");
}

int main(int argc, char **argv) {
    static char text[1 << 20];
    FILE *f = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (!f) die("cannot be read", argc == 2 ? argv[1] : "FILE");
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    printf("/* Made by src/tools/make_iq_tables.c from the published grids of the IQ formats; do not edit.\n"
           "   The tool explains the entries. */\n");
    for (size_t i = 0; i < sizeof grids / sizeof grids[0]; i++) make(text, &grids[i]);
    return 0;
}
