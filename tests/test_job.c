/* The job file and the rows: what is read, and that every mistake is named with its place. */
#include "test.h"

#include "../src/release/release.h"

static const char job_text[] =
    "{\n"
    " \"name\": \"tiny\",\n"
    " \"base\": {\"model\": \"base.gguf\"},\n"
    " \"candidates\": [{\"name\": \"tuned\", \"adapter\": \"a.gguf\", \"scale\": 0.5}],\n"
    " \"data\": [{\"path\": \"rows.jsonl\"}],\n"
    " \"prompt\": {\"template\": \"none\"},\n"
    " \"generate\": {\"max_tokens\": 8},\n"
    " \"evaluators\": [{\"use\": \"length\", \"name\": \"len\"},\n"
    "  {\"use\": \"exact_match\", \"cohorts\": [\"alp*\"]}],\n"
    " \"gate\": {\"alpha\": 0.1, \"rules\": [\n"
    "  {\"evaluator\": \"len\", \"cohort\": \"*\", \"max_drop\": 0.02},\n"
    "  {\"evaluator\": \"exact_match\", \"cohort\": \"alpha\", \"min_gain\": 0.1, \"mode\": "
    "\"point\"}\n"
    " ]},\n"
    " \"output\": \"run\"\n"
    "}\n";

static const char rows_text[] =
    "{\"id\": \"r1\", \"cohort\": \"alpha\", \"prompt\": \"One\", \"expected\": \"1\"}\n"
    "\n"
    "{\"id\": \"r2\", \"cohort\": [\"beta\", \"alpha\", \"beta\"], \"prompt\": \"Two\", \"more\": "
    "[1]}\n"
    "{\"prompt\": \"Three\", \"expected\": 3, \"tags\": {\"lang\": \"de\"}, \"cohort\": null}\n";

/* `text` with the first `from` replaced; free() it. */
static char *edited(const char *text, const char *from, const char *to) {
    const char *at = from ? strstr(text, from) : text;
    size_t n_from = from ? strlen(from) : strlen(text), n_to = strlen(to), n = strlen(text);
    if (!at) {
        printf("edited: no %s\n", from);
        abort();
    }
    char *out = (char *)malloc(n - n_from + n_to + 1);
    memcpy(out, text, (size_t)(at - text));
    memcpy(out + (at - text), to, n_to);
    strcpy(out + (at - text) + n_to, at + n_from);
    return out;
}

static ft_job *load_texts(const char *job, const char *rows, const ft_job_desc *desc,
                          ft_error *err) {
    const char *path = test_path("job.json");
    memset(err, 0, sizeof *err);
    test_write(path, job, strlen(job));
    test_write(test_path("rows.jsonl"), rows, strlen(rows));
    return ft_job_load(path, desc, err);
}

TEST(job, is_read_with_defaults) {
    ft_error err;
    ft_job *job = load_texts(job_text, rows_text, NULL, &err);
    if (!CHECK_OK(err.code, err) || !job) return;
    CHECK_TEXT(job->name, "tiny");
    CHECK_INT(job->n_models, 1);
    CHECK_INT(job->n_variants, 2);
    CHECK_TEXT(job->variants[0].name, "base");
    CHECK_TEXT(job->variants[1].name, "tuned");
    CHECK(strstr(job->variants[1].adapter, "/a.gguf") != NULL);
    CHECK_NEAR(job->variants[1].scale, 0.5, 0);
    CHECK(strstr(job->output, "/run") != NULL);
    CHECK_INT(job->max_tokens, 8);
    CHECK_INT(job->repeat, 1);
    CHECK_INT(job->sampling.seed, 1);
    CHECK_NEAR(job->sampling.temperature, 0, 0);
    CHECK_INT(job->n_stops, 0);
    CHECK_NEAR(job->alpha, 0.1, 0);
    CHECK_TEXT(job->correction, "holm");
    CHECK_INT(job->n_evaluators, 2);
    CHECK_TEXT(job->evaluators[1].name, "exact_match");
    CHECK_INT(job->n_rules, 2);
    CHECK_INT(job->rules[1].evaluator, 1);
    CHECK(!job->rules[1].has_max_drop && job->rules[1].has_min_gain);
    ft_job_free(job);
}

TEST(job, rows_have_ids_and_cohorts) {
    ft_error err;
    ft_job *job = load_texts(job_text, rows_text, NULL, &err);
    if (!CHECK_OK(err.code, err) || !job) return;
    if (CHECK_INT(job->n_rows, 3)) {
        CHECK_TEXT(job->rows[0].id, "r1");
        CHECK_TEXT(job->rows[2].id, "rows:4");
        CHECK_INT(job->rows[1].line, 3);
        CHECK_INT(job->rows[1].n_cohorts, 2);
        CHECK_INT(job->cohorts.n, 3);
        CHECK_TEXT(job->cohorts.names[job->rows[1].cohorts[0]], "beta");
        CHECK_TEXT(job->cohorts.names[job->rows[2].cohorts[0]], "all");
        CHECK(ft__row_get(&job->rows[1].row, "more") != NULL);
        CHECK(ft__job_applies(job, 1, &job->rows[0]));
        CHECK(ft__job_applies(job, 0, &job->rows[2]));
    }
    ft_job_free(job);
}

TEST(job, evaluators_keep_to_their_cohorts) {
    ft_error err;
    char *text = edited(job_text, "\"alp*\"", "\"b?ta\"");
    char *text2 = edited(text, "\"cohort\": \"alpha\"", "\"cohort\": \"b*\"");
    ft_job *job = load_texts(text2, rows_text, NULL, &err);
    CHECK_OK(err.code, err);
    if (job) {
        CHECK(!ft__job_applies(job, 1, &job->rows[0]));
        CHECK(ft__job_applies(job, 1, &job->rows[1]));
        CHECK(!ft__job_applies(job, 1, &job->rows[2]));
    }
    ft_job_free(job);
    free(text);
    free(text2);
}

TEST(job, cohort_by_may_be_a_path) {
    static const char rows[] = "{\"prompt\": \"a\", \"tags\": {\"lang\": \"de\", \"level\": 3}}\n"
                               "{\"prompt\": \"b\", \"tags\": {\"lang\": [\"en\", \"fr\"]}}\n"
                               "{\"prompt\": \"c\"}\n";
    ft_error err;
    char *text = edited(job_text, "\"prompt\": {", "\"cohort_by\": \"tags.lang\", \"prompt\": {");
    char *by_lang = edited(text, "\"cohort\": \"alpha\"", "\"cohort\": \"en\"");
    char *everywhere = edited(by_lang, ", \"cohorts\": [\"alp*\"]", "");
    ft_job *job = load_texts(everywhere, rows, NULL, &err);
    CHECK_OK(err.code, err);
    if (job) {
        CHECK_INT(job->cohorts.n, 4);
        CHECK_TEXT(job->cohorts.names[0], "de");
        CHECK_TEXT(job->cohorts.names[2], "fr");
        CHECK_TEXT(job->cohorts.names[3], "all");
    }
    ft_job_free(job);
    char *by_level = edited(everywhere, "tags.lang", "tags.level");
    char *three = edited(by_level, "\"en\"", "\"3\"");
    job = load_texts(three, rows, NULL, &err);
    CHECK_OK(err.code, err);
    if (job) CHECK_TEXT(job->cohorts.names[0], "3");
    ft_job_free(job);
    char *nowhere = edited(by_level, "tags.level", "tags.levle");
    CHECK(!load_texts(nowhere, rows, NULL, &err));
    CHECK_ERROR(err.code, FT_ERR_JOB, err, "job.json:6: \"cohort_by\": no row has \"tags.levle\"");
    free(text), free(by_lang), free(everywhere), free(by_level), free(three), free(nowhere);
}

TEST(job, fields_map_other_names) {
    static const char rows[] =
        "{\"question\": \"What?\", \"prompt\": \"swap me\", \"q\": {\"a\": \"That.\"}}\n";
    ft_error err;
    char *text = edited(job_text, "{\"path\": \"rows.jsonl\"}",
                        "{\"path\": \"rows.jsonl\", \"fields\": {\"prompt\": \"question\", "
                        "\"expected\": \"q.a\", \"id\": \"prompt\"}}");
    char *all = edited(text, "\"cohort\": \"alpha\"", "\"cohort\": \"all\"");
    char *open = edited(all, ", \"cohorts\": [\"alp*\"]", "");
    ft_job *job = load_texts(open, rows, NULL, &err);
    CHECK_OK(err.code, err);
    if (job) {
        ft_score score;
        CHECK_TEXT(job->rows[0].prompt, "What?");
        CHECK_TEXT(job->rows[0].id, "swap me");
        CHECK_OK(
            ft_evaluate(job->evaluators[1].handle, &job->rows[0].row, "That.", 5, &score, &err),
            err);
        CHECK_INT(score.state, FT_SCORED);
        CHECK(score.pass);
    }
    ft_job_free(job);
    free(text), free(all), free(open);
}

TEST(job, probes_are_short_for_evaluator_and_rule) {
    static const char probe_rows[] =
        "{\"prompt\": \"a\", \"cohort\": \"ignored\"}\n{\"prompt\": \"b\"}\n";
    ft_error err;
    char *text = edited(job_text, " \"output\"",
                        " \"probes\": {\"forgetting\": {\"path\": \"probe.jsonl\", \"evaluator\": "
                        "\"json_valid\", \"max_drop\": 0.25}},\n \"output\"");
    test_write(test_path("probe.jsonl"), probe_rows, strlen(probe_rows));
    ft_job *job = load_texts(text, rows_text, NULL, &err);
    CHECK_OK(err.code, err);
    if (job) {
        CHECK_INT(job->n_rows, 5);
        CHECK_INT(job->n_evaluators, 3);
        CHECK_TEXT(job->evaluators[2].name, "forgetting");
        CHECK_TEXT(job->evaluators[2].use, "json_valid");
        CHECK_INT(job->rows[3].n_cohorts, 1);
        CHECK_TEXT(job->cohorts.names[job->rows[3].cohorts[0]], "probe.forgetting");
        CHECK(!ft__job_applies(job, 0, &job->rows[3]));
        CHECK(ft__job_applies(job, 2, &job->rows[3]));
        CHECK(!ft__job_applies(job, 2, &job->rows[0]));
        CHECK_TEXT(job->rules[2].cohort, "probe.forgetting");
        CHECK_NEAR(job->rules[2].max_drop, 0.25, 0);
    }
    ft_job_free(job);
    free(text);
}

typedef struct rejection {
    const char *from, *to; /* from NULL: the whole text */
    ft_status status;
    const char *says;
} rejection;

TEST(job, mistakes_in_the_job_are_named) {
    static const rejection cases[] = {
        {"\"max_drop\"", "\"max_dorp\"", FT_ERR_JOB,
         "job.json:11: unknown key \"gate.rules[0].max_dorp\"; did you mean \"max_drop\"?"},
        {"\"generate\"", "\"genrate\"", FT_ERR_JOB,
         "job.json:7: unknown key \"genrate\"; did you mean \"generate\"?"},
        {"\"scale\": 0.5", "\"scales\": 0.5", FT_ERR_JOB, "unknown key \"candidates[0].scales\""},
        {"\"name\": \"tiny\"", "\"zzzzzzzzzzzz\": 1", FT_ERR_JOB,
         "job.json:2: unknown key \"zzzzzzzzzzzz\""},
        {"\"name\": \"tiny\"", "\"name\": 5", FT_ERR_JOB,
         "job.json:2: \"name\" must be a string, found number"},
        {"\"name\": \"tiny\"", "\"name\": \"\"", FT_ERR_JOB, "\"name\" must be a string with text"},
        {"\"name\": \"tiny\"", "\"name\": \"a\\u0000b\"", FT_ERR_JOB, "without NUL"},
        {"\"name\": \"tiny\"", "\"name\": \"a\", \"name\": \"b\"", FT_ERR_JOB,
         "job.json:2: \"name\" is given twice"},
        {"\"max_tokens\": 8", "\"max_tokens\": 0", FT_ERR_JOB,
         "job.json:7: \"generate.max_tokens\" must be an integer from 1 to 100000, found 0"},
        {"\"max_tokens\": 8", "\"max_tokens\": 2.5", FT_ERR_JOB, "found 2.5"},
        {"\"max_tokens\": 8", "\"max_tokens\": 100001", FT_ERR_JOB, "found 100001"},
        {"\"max_tokens\": 8", "\"temperature\": -1", FT_ERR_JOB,
         "\"generate.temperature\" must be"},
        {"\"max_tokens\": 8", "\"top_p\": 1.5", FT_ERR_JOB, "a number from 0 to 1, found 1.5"},
        {"\"max_tokens\": 8", "\"repeat\": 1001", FT_ERR_JOB, "\"generate.repeat\""},
        {"\"max_tokens\": 8", "\"stop\": [\"a\", 1]", FT_ERR_JOB,
         "\"generate.stop[1]\" must be a string, found number"},
        {"\"max_tokens\": 8", "\"stop\": \"a\"", FT_ERR_JOB, "must be an array, found string"},
        {"\"scale\": 0.5", "\"scale\": \"0.5\"", FT_ERR_JOB, "must be a number, found string"},
        {"\"scale\": 0.5", "\"scale\": 1e39", FT_ERR_JOB, "\"candidates[0].scale\" must be"},
        {"\"adapter\": \"a.gguf\", \"scale\": 0.5", "\"model\": \"m.gguf\", \"scale\": 0.5",
         FT_ERR_JOB, "\"scale\" needs an \"adapter\""},
        {"\"adapter\": \"a.gguf\", \"scale\": 0.5", "\"model\": null", FT_ERR_JOB, "found null"},
        {", \"adapter\": \"a.gguf\", \"scale\": 0.5", "", FT_ERR_JOB,
         "job.json:4: candidates[0] (\"tuned\") needs an \"adapter\" or a \"model\""},
        {"\"name\": \"tuned\"", "\"name\": \"base\"", FT_ERR_JOB, "only the base is called"},
        {"\"name\": \"tuned\", ", "", FT_ERR_JOB, "\"candidates[0].name\" is missing"},
        {"[{\"name\": \"tuned\"", "[{\"name\": \"tuned\", \"model\": \"x\"}, {\"name\": \"tuned\"",
         FT_ERR_JOB, "candidates[1]: the name \"tuned\" is taken"},
        {"[{\"name\": \"tuned\", \"adapter\": \"a.gguf\", \"scale\": 0.5}]", "[]", FT_ERR_JOB,
         "\"candidates\" must be an array with something in it"},
        {"{\"model\": \"base.gguf\"}", "{}", FT_ERR_JOB, "job.json:3: \"base.model\" is missing"},
        {" \"base\": {\"model\": \"base.gguf\"},", "", FT_ERR_JOB, "\"base\" is missing"},
        {"[{\"path\": \"rows.jsonl\"}]", "[]", FT_ERR_JOB, "\"data\" names no file"},
        {"\"template\": \"none\"", "\"template\": \"chatml\"", FT_ERR_JOB,
         "job.json:6: \"prompt.template\" must be \"auto\", \"none\" or a .jinja file, found \"chatml\""},
        {"\"template\": \"none\"", "\"template\": \"none\", \"system\": \"Hi\"", FT_ERR_JOB,
         "\"prompt.system\" needs a chat template"},
        {"\"template\": \"none\"", "\"template\": \"none\", \"few_shot\": {\"path\": \"x\"}",
         FT_ERR_JOB, "\"prompt.few_shot\" needs a chat template"},
        {"\"template\": \"none\"", "\"few_shot\": {\"path\": \"none.jsonl\"}", FT_ERR_NOT_FOUND,
         "none.jsonl"},
        {"\"template\": \"none\"", "\"few_shot\": {\"paths\": \"x\"}", FT_ERR_JOB, "\"path\""},
        {"\"use\": \"exact_match\"", "\"use\": \"exact_mach\"", FT_ERR_JOB,
         "job.json:9: evaluators[1]: no evaluator is called \"exact_mach\"; did you mean "
         "\"exact_match\"?"},
        {"\"use\": \"exact_match\"", "\"use\": \"exact_match\", \"params\": {\"stripp\": true}",
         FT_ERR_JOB, "job.json:9: evaluators[1]: exact_match has no parameter \"stripp\""},
        {"\"use\": \"exact_match\"", "\"use\": \"exact_match\", \"name\": \"len\"", FT_ERR_JOB,
         "evaluators[1]: the name \"len\" is taken"},
        {"\"evaluator\": \"len\"", "\"evaluator\": \"lenn\"", FT_ERR_JOB,
         "job.json:11: gate.rules[0]: no evaluator is called \"lenn\"; did you mean \"len\"?"},
        {"\"mode\": \"point\"", "\"mode\": \"bound\"", FT_ERR_JOB,
         "job.json:12: \"gate.rules[1].mode\" must be \"point\", found \"bound\""},
        {", \"max_drop\": 0.02", "", FT_ERR_JOB,
         "job.json:11: gate.rules[0] needs \"max_drop\" or \"min_gain\""},
        {"\"max_drop\": 0.02", "\"max_drop\": -0.02", FT_ERR_JOB,
         "must be a number of at least 0, found -0.02"},
        {"\"cohort\": \"*\"", "\"cohort\": \"gamma*\"", FT_ERR_JOB,
         "job.json:11: gate.rules[0]: no row has a cohort that matches \"gamma*\""},
        {"\"cohort\": \"alpha\"", "\"cohort\": \"all\"", FT_ERR_JOB,
         "job.json:12: gate.rules[1]: the evaluator \"exact_match\" runs on no row of a cohort "
         "that "
         "matches \"all\""},
        {"\"alpha\": 0.1", "\"alpha\": 1.1", FT_ERR_JOB,
         "\"gate.alpha\" must be a number from 0 to 1"},
        {"\"alpha\": 0.1", "\"correction\": 7", FT_ERR_JOB, "\"gate.correction\" must be a string"},
        {" \"output\": \"run\"", " \"output\": [1]", FT_ERR_JOB, "\"output\" must be a string"},
        {"{\"path\": \"rows.jsonl\"}", "{\"path\": \"rows.jsonl\", \"fields\": {\"promt\": \"x\"}}",
         FT_ERR_JOB, "job.json:5: \"fields\": ft has no field \"promt\"; did you mean \"prompt\"?"},
        {"{\"path\": \"rows.jsonl\"}",
         "{\"path\": \"rows.jsonl\", \"fields\": {\"answer\": \"x\"}}", FT_ERR_JOB, "has \"x\""},
        {"{\"path\": \"rows.jsonl\"}", "{\"path\": \"nowhere.jsonl\"}", FT_ERR_NOT_FOUND,
         "nowhere.jsonl"},
        {"{\"path\": \"rows.jsonl\"}", "{\"path\": \"rows.jsonl\"}, {\"path\": \"rows.jsonl\"}",
         FT_ERR_DATA, "rows.jsonl:1: the id \"r1\" is taken by"},
        {" \"output\"",
         " \"probes\": {\"len\": {\"path\": \"p\", \"evaluator\": \"length\", \"max_drop\": 0}}, "
         "\"output\"",
         FT_ERR_JOB, "probes.len: the name \"len\" is taken"},
        {" \"output\"",
         " \"probes\": {\"p\": {\"path\": \"p\", \"evaluator\": \"length\"}}, \"output\"",
         FT_ERR_JOB, "\"probes.p.max_drop\" is missing"},
        {" \"output\"",
         " \"probes\": {\"p\": {\"path\": \"p\", \"evaluator\": \"lenght\", \"max_drop\": 0}}, "
         "\"output\"",
         FT_ERR_JOB, "probes.p: no evaluator is called \"lenght\"; did you mean \"length\"?"},
        {NULL, "[]", FT_ERR_JOB, "job.json:1: must be an object, found array"},
        {NULL, "", FT_ERR_FORMAT, "job.json:1"},
        {NULL, "{\"name\": \"x\",\n}", FT_ERR_FORMAT, "job.json:2"},
    };
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        ft_error err;
        char *text = edited(job_text, cases[i].from, cases[i].to);
        ft_job *job = load_texts(text, rows_text, NULL, &err);
        CHECK_ERROR(err.code, cases[i].status, err, cases[i].says);
        CHECK(job == NULL);
        ft_job_free(job);
        free(text);
    }
}

TEST(job, nothing_to_judge_is_a_mistake) {
    ft_error err;
    const char *from = strstr(job_text, "\n  {\"evaluator\": \"len\""),
               *to = strstr(job_text, "]},\n \"out");
    char text[2048];
    snprintf(text, sizeof text, "%.*s%s", (int)(from - job_text), job_text, to);
    CHECK(!load_texts(text, rows_text, NULL, &err));
    CHECK_ERROR(err.code, FT_ERR_JOB, err,
                "job.json:10: gate.rules is empty: nothing would be judged");
    CHECK(!ft_job_load(test_path("no-such-job.json"), NULL, &err));
    CHECK_ERROR(err.code, FT_ERR_NOT_FOUND, err, "no-such-job.json");
    CHECK(!ft_job_load(NULL, NULL, &err));
    CHECK_INT(err.code, FT_ERR_ARGUMENT);
    CHECK(!ft_job_load(test_path("no-such-job.json"), NULL, NULL));
}

TEST(job, mistakes_in_the_rows_are_named) {
    static const rejection cases[] = {
        {"\"cohort\": \"alpha\"", "\"cohort\": 5", FT_ERR_DATA,
         "rows.jsonl:1: \"cohort\" must be a string"},
        {"\"cohort\": \"alpha\"", "\"cohort\": 5", FT_ERR_DATA, "found number"},
        {"\"cohort\": \"alpha\"", "\"cohort\": [\"a\", 1]", FT_ERR_DATA,
         "rows.jsonl:1: \"cohort[1]\""},
        {"\"cohort\": \"alpha\"", "\"cohort\": \"\"", FT_ERR_DATA, "rows.jsonl:1: \"cohort\""},
        {"\"cohort\": \"alpha\"", "\"cohort\": []", FT_ERR_DATA,
         "\"cohort\" must be an array with something"},
        {"\"cohort\": \"alpha\"", "\"cohort\": \"(all)\"", FT_ERR_DATA,
         "no cohort may be called \"(all)\""},
        {"\"id\": \"r2\"", "\"id\": \"r1\"", FT_ERR_DATA,
         "rows.jsonl:3: the id \"r1\" is taken by"},
        {"\"id\": \"r2\"", "\"id\": 2", FT_ERR_DATA,
         "rows.jsonl:3: \"id\" must be a string, found number"},
        {"\"id\": \"r2\"", "\"id\": \"\"", FT_ERR_DATA, "rows.jsonl:3: \"id\""},
        {"\"prompt\": \"Three\"", "\"prompt\": null", FT_ERR_DATA,
         "rows.jsonl:4: \"prompt\" is missing"},
        {"\"prompt\": \"Three\"", "\"prompt\": [\"x\"]", FT_ERR_DATA,
         "rows.jsonl:4: \"prompt\" must be"},
        {"\"prompt\": \"Three\"", "\"messages\": [{}]", FT_ERR_DATA,
         "rows.jsonl:4: \"messages\" need"},
        {"\"more\": [1]", "\"references\": \"x\"", FT_ERR_DATA,
         "rows.jsonl:3: \"references\" must be an array"},
        {"\"more\": [1]", "\"context\": [1]", FT_ERR_DATA, "\"context[0]\" must be a string"},
        {"\"more\": [1]", "\"weight\": -1", FT_ERR_DATA,
         "\"weight\" must be a number of at least 0"},
        {"\"more\": [1]", "\"tags\": []", FT_ERR_DATA, "\"tags\" must be an object, found array"},
        {"\"more\": [1]", "\"choices\": {}", FT_ERR_DATA, "\"choices\" must be an array"},
        {"\"more\": [1]", "\"prompt\": \"again\"", FT_ERR_DATA,
         "rows.jsonl:3: \"prompt\" is given twice"},
        {"\"more\": [1]", "\"more\": [1", FT_ERR_DATA, "rows.jsonl:3"},
        {"\"more\": [1]}", "\"more\": [1]} {}", FT_ERR_DATA, "rows.jsonl:3"},
        {NULL, "[1]\n", FT_ERR_DATA, "rows.jsonl:1: must be an object, found array"},
        {NULL, "", FT_ERR_DATA, "rows.jsonl: the file holds no rows"},
        {NULL, "\n  \n", FT_ERR_DATA, "rows.jsonl: the file holds no rows"},
        {NULL, "{\"prompt\": \"\xff\"}\n", FT_ERR_DATA, "rows.jsonl:1"},
    };
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        ft_error err;
        char *text = edited(rows_text, cases[i].from, cases[i].to);
        ft_job *job = load_texts(job_text, text, NULL, &err);
        CHECK_ERROR(err.code, cases[i].status, err, cases[i].says);
        CHECK(job == NULL);
        ft_job_free(job);
        free(text);
    }
}

TEST(job, sets_change_the_job_before_it_is_checked) {
    static const char *const sets[] = {
        "candidates.0.scale=0.25", "generate.temperature=0.5",   "generate.stop=[\"x\", \"y\"]",
        "name=\"renamed\"",        "gate.rules.1.min_gain=0.75", "generate.seed=9",
        "generate.seed=10"};
    ft_error err;
    ft_job_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.sets = sets;
    desc.n_sets = (int)FT__COUNT(sets);
    desc.output = "elsewhere";
    ft_job *job = load_texts(job_text, rows_text, &desc, &err);
    CHECK_OK(err.code, err);
    if (job) {
        CHECK_NEAR(job->variants[1].scale, 0.25, 0);
        CHECK_NEAR(job->temperature, 0.5, 0);
        CHECK_INT(job->max_tokens, 8);
        CHECK_INT(job->n_stops, 2);
        CHECK_TEXT(job->stops[1], "y");
        CHECK_TEXT(job->name, "renamed");
        CHECK_NEAR(job->rules[1].min_gain, 0.75, 0);
        CHECK_INT(job->sampling.seed, 10);
        CHECK_TEXT(job->output, "elsewhere");
    }
    ft_job_free(job);
}

TEST(job, sets_make_missing_objects) {
    static const char *const sets[] = {"generate.max_tokens=3", "output=null"};
    ft_error err;
    ft_job_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.sets = sets;
    desc.n_sets = 2;
    char *text = edited(job_text, " \"generate\": {\"max_tokens\": 8},", "");
    ft_job *job = load_texts(text, rows_text, &desc, &err);
    CHECK_OK(err.code, err);
    if (job) CHECK_INT(job->max_tokens, 3);
    if (job) CHECK(job->output == NULL);
    ft_job_free(job);
    free(text);
}

TEST(job, bad_sets_are_named) {
    static const struct {
        const char *set;
        ft_status status;
        const char *says;
    } cases[] = {
        {"name=tiny", FT_ERR_ARGUMENT, "--set: name=tiny: not JSON"},
        {"name=", FT_ERR_ARGUMENT, "--set: name=: not JSON"},
        {"name", FT_ERR_ARGUMENT, "must be path.to.key=JSON"},
        {"=1", FT_ERR_ARGUMENT, "must be path.to.key=JSON"},
        {"generate..seed=1", FT_ERR_ARGUMENT, "the path has an empty part"},
        {"generate.=1", FT_ERR_ARGUMENT, "the path has an empty part"},
        {".generate=1", FT_ERR_ARGUMENT, "the path has an empty part"},
        {"candidates.1.scale=1", FT_ERR_ARGUMENT,
         "candidates.1.scale=1: the list has no such element"},
        {"candidates.x.scale=1", FT_ERR_ARGUMENT, "the list has no such element"},
        {"name.x=1", FT_ERR_ARGUMENT, "leads through a value"},
        {"generate.sede=1", FT_ERR_JOB, "unknown key \"generate.sede\"; did you mean \"seed\"?"},
        {"generate.seed=-1", FT_ERR_JOB, "\"generate.seed\" must be"},
        {"generate={\"a\": [1, {}]}", FT_ERR_JOB, "unknown key \"generate.a\""},
    };
    for (size_t i = 0; i < FT__COUNT(cases); i++) {
        ft_error err;
        ft_job_desc desc;
        memset(&desc, 0, sizeof desc);
        desc.sets = &cases[i].set;
        desc.n_sets = 1;
        ft_job *job = load_texts(job_text, rows_text, &desc, &err);
        CHECK_ERROR(err.code, cases[i].status, err, cases[i].says);
        CHECK(job == NULL);
        ft_job_free(job);
    }
}

TEST(job, survives_every_failed_allocation) {
    static const char *const sets[] = {"generate.temperature=0.5"};
    static const char probe_rows[] = "{\"prompt\": \"a\"}\n";
    test_memory memory;
    ft_error err;
    ft_job_desc desc;
    char *text = edited(job_text, " \"output\"",
                        " \"probes\": {\"p\": {\"path\": \"probe.jsonl\", \"evaluator\": "
                        "\"json_valid\", \"max_drop\": 0.25}},\n \"output\"");
    char *mapped = edited(text, "{\"path\": \"rows.jsonl\"}",
                          "{\"path\": \"rows.jsonl\", \"fields\": {\"id\": \"id\"}}");
    test_write(test_path("probe.jsonl"), probe_rows, strlen(probe_rows));
    ft_job *job = NULL;
    for (long fail_at = 1; !job && fail_at < 2000; fail_at++) {
        memset(&memory, 0, sizeof memory);
        memory.fail_at = fail_at;
        memset(&desc, 0, sizeof desc);
        desc.allocator = test_allocator(&memory);
        desc.sets = sets;
        desc.n_sets = 1;
        job = load_texts(mapped, rows_text, &desc, &err);
        if (!job && !CHECK_ERROR(err.code, FT_ERR_MEMORY, err, NULL)) break;
        if (!job && !CHECK_INT(memory.live, 0)) break;
    }
    CHECK(job != NULL);
    ft_job_free(job);
    CHECK_INT(memory.live, 0);
    free(text), free(mapped);
}
