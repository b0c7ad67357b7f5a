/* demo_files FOLDER [MODEL] - writes what `make demo` compares until the project has trained models of its
   own: 60 rows in three cohorts, two adapters (of faint and of loud noise) and the job.  MODEL is
   stories260K.gguf; without it a tiny random model is made, which shows the machinery and nothing else. */
#include "../tiny.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const girls[] = {"Lily", "Sue", "Mia", "Anna", "Lucy", "Jane", "Amy", "Sara", "Ella", "Emma",
                                    "Molly", "Zoe", "Kate", "Rose", "Daisy", "Jill", "Nina", "Ruby", "Eva", "Sally"};
static const char *const boys[] = {"Tim", "Tom", "Ben", "Sam", "Max", "Jack", "Bob", "Joe", "Leo", "Dan",
                                   "Billy", "Mark", "John", "Mike", "Fred", "Nick", "Pete", "Will", "Adam", "Alex"};
static const char *const animals[] = {"dog", "cat", "bird", "fish", "bear", "frog", "duck", "mouse", "cow", "pig",
                                      "lion", "fox", "bunny", "bee", "bug", "ant", "owl", "hen", "goat", "sheep"};

static FILE *create(const char *folder, const char *name) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    if (f) return f;
    perror(path);
    exit(4);
}

static void write_rows(const char *folder) {
    static const char *const cohorts[] = {"girls", "boys", "animals"};
    static const char *const *const names[] = {girls, boys, animals};
    static const char *const begins[] = {"Once upon a time, there was a little girl named %s. She",
                                         "Once upon a time, there was a little boy named %s. He",
                                         "Once upon a time, there was a little %s. The"};
    FILE *f = create(folder, "rows.jsonl");
    for (int c = 0; c < 3; c++) {
        for (int i = 0; i < 20; i++) {
            fprintf(f, "{\"id\": \"%s-%d\", \"cohort\": \"%s\", \"prompt\": \"", cohorts[c], i + 1, cohorts[c]);
            fprintf(f, begins[c], names[c][i]);
            fprintf(f, "\", \"expected\": \"%s\"}\n", names[c][i]);
        }
    }
    fclose(f);
}

static void write_job(const char *folder, const char *model) {
    FILE *f = create(folder, "job.json");
    fprintf(f,
            "{\n"
            "  \"name\": \"does the story still talk about its hero?\",\n"
            "  \"base\": {\"model\": \"%s\"},\n"
            "  \"candidates\": [{\"name\": \"faint\", \"adapter\": \"faint.gguf\"},\n"
            "                 {\"name\": \"noise\", \"adapter\": \"noise.gguf\"}],\n"
            "  \"data\": [{\"path\": \"rows.jsonl\"}],\n"
            "  \"prompt\": {\"template\": \"none\"},\n"
            "  \"generate\": {\"max_tokens\": 96},\n"
            "  \"evaluators\": [\n"
            "    {\"use\": \"contains\", \"name\": \"names the hero\"},\n"
            "    {\"use\": \"regex\", \"name\": \"one sentence\", \"params\": {\"pattern\": \"[a-z][.!?]\"}},\n"
            "    {\"use\": \"length\", \"params\": {\"unit\": \"words\", \"min\": 10}}],\n"
            "  \"gate\": {\"rules\": [{\"evaluator\": \"names the hero\", \"cohort\": \"*\", \"max_drop\": 0.05},\n"
            "                     {\"evaluator\": \"one sentence\", \"cohort\": \"*\", \"max_drop\": 0}]},\n"
            "  \"output\": \"run\"\n"
            "}\n",
            model);
    fclose(f);
}

int main(int argc, char **argv) {
    char path[1024];
    tiny_model shape = {5, 64, 8, 4, 0, 192, 512, 1, FT__FORMAT_F32, true, false, false, false, 0, 0};
    tiny_adapter noise = {8, 8.0f, 7, 0.0001f, TINY_Q | TINY_K | TINY_V | TINY_O, FT__FORMAT_F32, false};
    if (argc < 2) return 3;
    snprintf(path, sizeof path, "%s/faint.gguf", argv[1]);
    tiny_write_adapter(path, &shape, &noise);
    noise.amplitude = 0.25f;
    snprintf(path, sizeof path, "%s/noise.gguf", argv[1]);
    tiny_write_adapter(path, &shape, &noise);
    snprintf(path, sizeof path, "%s/tiny.gguf", argv[1]);
    if (argc < 3) tiny_write_model(path, &shape);
    write_rows(argv[1]);
    write_job(argv[1], argc < 3 ? "tiny.gguf" : argv[2]);
    return 0;
}
