/* What a model reads for a row: prompts as they stand, and messages through chat templates. */
#include "test.h"

#include "../src/release/release.h"
#include "gguf_edit.h"
#include "tiny.h"

static const char prompt_template[] =
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    "{% if tools %}<{{ tools | length }}>{% endif %}{% if add_generation_prompt %}[assistant]{% endif %}";

static const char prompt_rows[] =
    "{\"prompt\": \"one\"}\n"
    "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", \"content\": \"b\"},"
    " {\"role\": \"user\", \"content\": \"c\"}], \"tools\": [{}, {}]}\n"
    "{\"messages\": [{\"role\": \"system\", \"content\": \"own\"}, {\"role\": \"user\", \"content\": \"d\"}]}\n";

static const char prompt_shots[] =
    "{\"prompt\": \"p1\", \"expected\": \"e1\"}\n{\"prompt\": \"p2\", \"expected\": 2}\n";

static void prompt_files(void) {
    edit e;
    tiny_write_model(test_path("plain.gguf"), NULL);
    edit_begin(&e, test_path("plain.gguf"));
    edit_text(&e, "tokenizer.chat_template", prompt_template);
    edit_save(&e, test_path("chat.gguf"));
    test_write(test_path("rows.jsonl"), prompt_rows, strlen(prompt_rows));
    test_write(test_path("other.jinja"), "{{ messages[-1].content | upper }}", 34);
    test_write(test_path("shots.jsonl"), prompt_shots, strlen(prompt_shots));
}

static ft_job *prompt_job(const char *model, const char *prompt, ft_error *err) {
    char job[1024];
    memset(err, 0, sizeof *err);
    prompt_files();
    snprintf(job, sizeof job,
             "{\"base\": {\"model\": \"%s\"}, \"candidates\": [{\"name\": \"same\", \"model\": \"%s\"}],"
             " \"data\": [{\"path\": \"rows.jsonl\"}], \"prompt\": %s, \"generate\": {\"max_tokens\": 3},"
             " \"evaluators\": [{\"use\": \"length\"}],"
             " \"gate\": {\"rules\": [{\"evaluator\": \"length\", \"max_drop\": 0}]}, \"output\": \"run\"}",
             model, model, prompt);
    test_write(test_path("job.json"), job, strlen(job));
    return ft_job_load(test_path("job.json"), NULL, err);
}

/* The texts of all rows, each followed by a line end; free() it. */
static char *prompt_texts(const char *model_name, const char *prompt, ft_error *err) {
    ft__prompter p;
    ft__buf all;
    char *copy = NULL;
    ft_job *job = prompt_job(model_name, prompt, err);
    if (!job) return NULL;
    ft_model *model = ft_model_load(test_path(model_name), NULL, err);
    ft__buf_init(&all, &job->allocator);
    ft_status status = ft__prompter_open(&p, job, model, model_name, err);
    for (size_t i = 0; i < job->n_rows && !status; i++) {
        ft__view text;
        status = ft__prompter_text(&p, &job->rows[i], &text, err);
        if (!status) ft__buf_add(&all, text.text, text.n);
        ft__buf_byte(&all, '\n');
    }
    if (!status) {
        copy = (char *)calloc(all.len + 1, 1);
        memcpy(copy, all.data, all.len);
    }
    ft__prompter_close(&p);
    ft__buf_free(&all);
    ft_model_free(model);
    ft_job_free(job);
    return copy;
}

TEST(prompt, through_templates) {
    static const struct {
        const char *prompt, *texts;
    } rows[] = {
        {"{}", "<s>[user]one[assistant]\n<s>[user]a[assistant]b[user]c<2>[assistant]\n"
               "<s>[system]own[user]d[assistant]\n"},
        {"{\"template\": \"auto\", \"system\": \"be nice\"}",
         "<s>[system]be nice[user]one[assistant]\n"
         "<s>[system]be nice[user]a[assistant]b[user]c<2>[assistant]\n<s>[system]own[user]d[assistant]\n"},
        {"{\"few_shot\": {\"path\": \"shots.jsonl\"}}",
         "<s>[user]p1[assistant]e1[user]p2[assistant]2[user]one[assistant]\n"
         "<s>[user]p1[assistant]e1[user]p2[assistant]2[user]a[assistant]b[user]c<2>[assistant]\n"
         "<s>[system]own[user]p1[assistant]e1[user]p2[assistant]2[user]d[assistant]\n"},
        {"{\"few_shot\": {\"path\": \"shots.jsonl\", \"n\": 1}, \"template\": \"other.jinja\"}", "ONE\nC\nD\n"},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++) {
        ft_error err;
        char *texts = prompt_texts("chat.gguf", rows[i].prompt, &err);
        if (CHECK_OK(texts ? FT_OK : err.code, err)) CHECK_TEXT(texts, rows[i].texts);
        free(texts);
    }
}

TEST(prompt, what_cannot_be_rendered_is_named) {
    ft_error err;
    CHECK(!prompt_texts("plain.gguf", "{}", &err));
    CHECK_ERROR(err.code, FT_ERR_UNSUPPORTED, err, "has no chat template");
    CHECK(!prompt_texts("chat.gguf", "{\"template\": \"none\"}", &err));
    CHECK_ERROR(err.code, FT_ERR_DATA, err, "rows.jsonl:2: \"messages\" need a chat template");
    CHECK(!prompt_texts("chat.gguf", "{\"template\": \"none.jinja\"}", &err));
    CHECK_ERROR(err.code, FT_ERR_NOT_FOUND, err, "none.jinja");
    test_write(test_path("bad.jinja"), "{{ raise_exception('no such role') }}", 37);
    CHECK(!prompt_texts("chat.gguf", "{\"template\": \"bad.jinja\"}", &err));
    CHECK_ERROR(err.code, FT_ERR_DATA, err, "rows.jsonl:1: ");
    CHECK(strstr(err.message, "no such role") != NULL);
    test_write(test_path("bad.jinja"), "{{ strftime_now('%Y') }}", 24);
    CHECK(!prompt_texts("chat.gguf", "{\"template\": \"bad.jinja\"}", &err));
    char *texts = prompt_texts("chat.gguf", "{\"template\": \"bad.jinja\", \"now\": \"2026-03-14T15:09:26\"}", &err);
    CHECK_TEXT(texts ? texts : err.message, "2026\n2026\n2026\n");
    free(texts);
}

TEST(prompt, a_run_says_what_was_read) {
    ft_error err;
    char digests[2][65] = {"", ""};
    for (int i = 0; i < 2; i++) {
        ft_job *job = prompt_job("chat.gguf", i ? "{\"system\": \"x\"}" : "{}", &err);
        ft_result *r = job ? ft_compare(job, NULL, &err) : NULL;
        if (!CHECK_OK(r ? FT_OK : err.code, err)) return;
        snprintf(digests[i], 65, "%s", r->prompt_digests[0]);
        CHECK(strstr(ft_result_json(r, NULL), digests[i]) != NULL);
        CHECK(strstr(ft_result_json(r, NULL), "\"template\": \"auto\"") != NULL);
        ft_model *model = ft_model_load(test_path("chat.gguf"), NULL, &err);
        int32_t ids[64];
        size_t n;
        const char *text = i ? "<s>[system]x[user]one[assistant]" : "<s>[user]one[assistant]";
        ft_tokenize(model, text, strlen(text), FT_TOKENIZE_PLAIN | FT_TOKENIZE_PARSE_SPECIAL, ids, 64, &n, &err);
        CHECK_INT(ft__result_answer(r, 0, 0, 0)->n_prompt, n);
        CHECK_INT(ids[0], ft_model_get_info(model).bos);
        ft_model_free(model);
        ft_result_free(r);
        ft_job_free(job);
    }
    CHECK(strcmp(digests[0], digests[1]) != 0);
}

/* The run folder's job.json says the same again, and its inputs name the files of template and examples. */
TEST(prompt, its_job_file_is_a_job_again) {
    static const char prompt[] = "{\"template\": \"other.jinja\", \"system\": \"a\\u0000b\","
                                 " \"few_shot\": {\"path\": \"shots.jsonl\", \"n\": 1}, \"now\": \"2026-03-14T15:09:26\"}";
    ft_error err;
    char hex[65];
    size_t n;
    ft_job *job = prompt_job("chat.gguf", prompt, &err);
    ft_result *r = job ? ft_compare(job, NULL, &err) : NULL;
    if (!CHECK_OK(r ? FT_OK : err.code, err)) return;
    char *text = test_read(test_path("run/job.json"), &n), *inputs = text ? strstr(text, ",\n \"inputs\"") : NULL;
    if (CHECK(inputs != NULL)) {
        CHECK_OK(ft_model_digest(test_path("shots.jsonl"), NULL, hex, &err), err);
        CHECK(strstr(inputs, hex) && strstr(ft_result_json(r, NULL), hex));
        CHECK_OK(ft_model_digest(test_path("other.jinja"), NULL, hex, &err), err);
        CHECK(strstr(inputs, hex) && strstr(ft_result_json(r, NULL), hex));
        CHECK(!strstr(ft_result_json(r, NULL), "other.jinja") && !strstr(ft_result_json(r, NULL), "shots.jsonl"));
        strcpy(inputs, "}\n");
        test_write(test_path("again.json"), text, strlen(text));
        ft_job *again = ft_job_load(test_path("again.json"), NULL, &err);
        ft_result *same = again ? ft_compare(again, NULL, &err) : NULL;
        if (CHECK_OK(same ? FT_OK : err.code, err))
            CHECK_TEXT(ft_result_json(same, NULL), ft_result_json(r, NULL));
        ft_result_free(same);
        ft_job_free(again);
    }
    free(text);
    ft_result_free(r);
    ft_job_free(job);
}
