/* Every fuzz target of tests/fuzz for half a second on mutated seeds, in a process of its own: a
   crash, a hang, a leak (with sanitizers) or a broken promise fails the test and leaves the input
   in /tmp. */
#include "fuzz/fuzz.h"
#include "fuzz/mutate.h"
#include "test.h"
#include "evaluator_samples.h"
#include "tiny.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define LLVMFuzzerTestOneInput fuzz_target_json
#include "fuzz/json.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_target_jsonl
#include "fuzz/jsonl.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_target_regex
#include "fuzz/regex.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_target_gguf
#include "fuzz/gguf.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_target_job
#include "fuzz/job.c"
#undef LLVMFuzzerTestOneInput

#define LLVMFuzzerTestOneInput fuzz_target_template
#include "fuzz/template.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_target_evaluate
#include "fuzz/evaluate.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_target_folder
#include "fuzz/folder.c"
#undef LLVMFuzzerTestOneInput

typedef int fuzz_fn(const uint8_t *data, size_t size);

/* In memory that parent and child share, so that the input is still there after a crash. */
typedef struct fuzz_state {
    uint64_t i;
    size_t size;
    uint8_t data[FUZZ_MAX];
} fuzz_state;

static fuzz_state *fuzz_shared(void) {
    int fd = open(test_path("fuzz.state"), O_RDWR | O_CREAT, 0600);
    fuzz_expect(fd >= 0 && ftruncate(fd, sizeof(fuzz_state)) == 0, "a shared file can be made");
    void *memory = mmap(NULL, sizeof(fuzz_state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    fuzz_expect(memory != MAP_FAILED, "a file can be mapped");
    return (fuzz_state *)memory;
}

/* Seeds as they are, then mutations until the time is over; exact-size copies let ASan see the end.
 */
static void fuzz_child(fuzz_fn *target, const fuzz_seed *seeds, size_t n_seeds, fuzz_state *s) {
    double end = ft__seconds() + 0.5;
    alarm(60);
    for (s->i = 0; s->i < n_seeds || ft__seconds() < end; s->i++) {
        if (s->i < n_seeds)
            memcpy(s->data, seeds[s->i].data, s->size = seeds[s->i].n);
        else
            s->size = fuzz_mutate(s->data, seeds, n_seeds, 1, s->i);
        uint8_t *copy = (uint8_t *)malloc(s->size + !s->size);
        memcpy(copy, s->data, s->size);
        target(copy, s->size);
        free(copy);
    }
    exit(0);
}

static void fuzz(const char *name, fuzz_fn *target, const fuzz_seed *seeds, size_t n_seeds) {
    fuzz_state *s = fuzz_shared();
    char kept[96];
    int status = -1;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) fuzz_child(target, seeds, n_seeds, s);
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    bool fine = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (fine) {
        test_note("%llu inputs", (unsigned long long)s->i);
    } else {
        snprintf(kept, sizeof kept, "/tmp/ft-fuzz-%s-%llu", name, (unsigned long long)s->i);
        test_write(kept, s->data, s->size);
        test_note("input %llu ends the process with status %d; it is kept in %s",
                  (unsigned long long)s->i, status, kept);
    }
    CHECK(fine);
    CHECK(!fine || s->i > n_seeds); /* it did run mutations */
    munmap(s, sizeof *s);
}

#define FUZZ_TEXT(text)                                                                            \
    { text, sizeof(text) - 1 }

TEST(fuzz, json) {
    static const fuzz_seed seeds[] = {
        FUZZ_TEXT(
            "{\"a\": [1, -2.5e-3, true, false, null, \"x\\u00e9\\ud83e\\udd99\\n\"], \"b\": {}}"),
        FUZZ_TEXT("[[[[[[[[[[1.7976931348623157e308, 5e-324, 0.1, 123456789012345678901]]]]]]]]]]"),
        FUZZ_TEXT("\"\xC3\xA9\xF0\x9F\xA6\x99\\\\ \\/ \\b\\f\\n\\r\\t\\u0000\""),
    };
    fuzz("json", fuzz_target_json, seeds, FT__COUNT(seeds));
}

TEST(fuzz, jsonl_and_rows) {
    static const fuzz_seed seeds[] = {
        FUZZ_TEXT(
            "{\"prompt\": \"a\", \"expected\": \"The cat\"}\r\n\n{\"expected\": [1, \"b\"]}\n"),
        FUZZ_TEXT("\xEF\xBB\xBF{\"expected\": 3.5, \"references\": [\"x\", \"an x\"], \"id\": "
                  "\"r\"}\n1\n"),
        FUZZ_TEXT("{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}], \"expected\": "
                  "{\"a\": 1}}"),
    };
    fuzz("jsonl", fuzz_target_jsonl, seeds, FT__COUNT(seeds));
}

TEST(fuzz, regex) {
    static const fuzz_seed seeds[] = {
        FUZZ_TEXT("\x01^(a|b)*?c{2,5}[^x-z\\d]\\b.+$\naaabbcccq zz"),
        FUZZ_TEXT("\x02(?:\\w+\\s){1,3}[\\u00e9-\\u00ff]\\.\nthe cat sat \xC3\xA9."),
        FUZZ_TEXT("\x08(((a*)*)*)*b\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"),
    };
    fuzz("regex", fuzz_target_regex, seeds, FT__COUNT(seeds));
}

TEST(fuzz, job) {
    static const fuzz_seed seeds[] = {
        FUZZ_TEXT(
            "{\"name\": \"n\", \"base\": {\"model\": \"b.gguf\"}, \"candidates\": [{\"name\": "
            "\"c\", "
            "\"adapter\": \"a.gguf\", \"scale\": 1}], \"data\": [{\"path\": \"rows.jsonl\", "
            "\"fields\": "
            "{\"prompt\": \"q\"}}], \"cohort_by\": \"tags.lang\", \"prompt\": {\"template\": "
            "\"none\"}, "
            "\"generate\": {\"max_tokens\": 8, \"stop\": [\"\\n\"]}, \"evaluators\": [{\"use\": "
            "\"length\", \"name\": \"len\", \"cohorts\": [\"d*\"]}], \"gate\": {\"alpha\": 0.1, "
            "\"rules\": "
            "[{\"evaluator\": \"len\", \"cohort\": \"*\", \"max_drop\": 0.02}]}, \"output\": "
            "\"run\"}"
            "\xFF{\"q\": \"one\", \"tags\": {\"lang\": \"de\"}}\n{\"q\": \"two\", \"tags\": "
            "{\"lang\": "
            "[\"en\", \"fr\"]}, \"weight\": 2}\n\xFFgate.rules.0.max_drop=0.5"),
        FUZZ_TEXT(
            "{\"base\": {\"model\": \"b\"}, \"candidates\": [{\"name\": \"c\", \"model\": \"d\"}], "
            "\"data\": [{\"path\": \"rows.jsonl\"}], \"prompt\": {\"template\": \"none\"}, "
            "\"evaluators\": [{\"use\": \"regex\", \"params\": {\"pattern\": \"a+\"}}], "
            "\"probes\": "
            "{\"p\": {\"path\": \"rows.jsonl\", \"evaluator\": \"contains\", \"max_drop\": 0.01}}}"
            "\xFF{\"prompt\": \"x\", \"cohort\": [\"a\", \"b\"], \"expected\": 1, \"id\": "
            "\"r\"}\n"),
    };
    fuzz("job", fuzz_target_job, seeds, FT__COUNT(seeds));
}

TEST(fuzz, template) {
    static const fuzz_seed seeds[] = {
        FUZZ_TEXT("{% for m in messages %}{{ m['role'] | upper }}: {{ m.content.strip() }}\n{% endfor %}"),
        FUZZ_TEXT("{%- macro f(x, y=2) -%}{{ x * y ~ 'z' }}{%- endmacro %}{% set ns = namespace(a=[]) %}"
                  "{% for i in range(n) if i is odd %}{{ f(i) }}{% set ns.a = ns.a + [i] %}{% else %}-{% endfor %}"
                  "{{ ns.a | tojson }}{{ messages[::-1][0].content[1:] | default('x', true) }}"),
        FUZZ_TEXT("{% if x is defined and not y %}{{ raise_exception('no') }}{% endif %}{{ strftime_now('%Y') }}"
                  "\xFF{\"x\": {\"a\": [1, 2.5, \"\u00e9\"]}}"),
    };
    fuzz("template", fuzz_target_template, seeds, FT__COUNT(seeds));
}

/* One seed for each evaluator, from the samples that all tests of the registry share. */
TEST(fuzz, evaluate) {
    enum { N = FT__COUNT(evaluator_samples) };
    static char text[N][1024];
    fuzz_seed seeds[N];
    int found = 0;
    for (int i = 0; i < ft_evaluator_count(); i++)
        for (size_t k = 0; k < N; k++) {
            const evaluator_sample *sample = &evaluator_samples[k];
            if (strcmp(sample->name, ft_evaluator_at(i)->name) != 0) continue;
            int n = snprintf(text[found], sizeof text[0], "%c%s\xFF%s\xFF%s", i,
                             sample->params ? sample->params : "", sample->row, sample->best);
            seeds[found].data = (const uint8_t *)text[found];
            seeds[found++].n = (size_t)n < sizeof text[0] ? (size_t)n : sizeof text[0] - 1;
        }
    CHECK_INT(found, ft_evaluator_count());
    fuzz("evaluate", fuzz_target_evaluate, seeds, (size_t)found);
}

TEST(fuzz, gguf) {
    static const char *const names[] = {"fuzz-f32.gguf", "fuzz-q8.gguf", "fuzz-moe.gguf",
                                        "fuzz-lora.gguf"};
    fuzz_seed seeds[FT__COUNT(names)];
    tiny_model m;
    tiny_adapter a;
    memset(&m, 0, sizeof m);
    memset(&a, 0, sizeof a);
    m.n_layers = 1, m.n_embd = 32, m.n_ff = 32, m.n_heads = 2, m.n_kv_heads = 1, m.tied = true;
    tiny_write_model(test_path(names[0]), &m);
    tiny_write_adapter(test_path(names[3]), &m, &a);
    m.type = FT__FORMAT_Q8_0;
    m.rope_freqs = m.attn_bias = m.ffn_bias = true;
    tiny_write_model(test_path(names[1]), &m);
    m.ffn_bias = false, m.n_experts = 3, m.type = FT__FORMAT_Q4_0;
    tiny_write_model(test_path(names[2]), &m);
    for (size_t i = 0; i < FT__COUNT(names); i++) {
        seeds[i].data = test_read(test_path(names[i]), &seeds[i].n);
        CHECK(seeds[i].data && seeds[i].n < FUZZ_MAX);
    }
    fuzz("gguf", fuzz_target_gguf, seeds, FT__COUNT(names));
    for (size_t i = 0; i < FT__COUNT(names); i++) free((void *)(uintptr_t)seeds[i].data);
}

/* A folder's four files, with the tensors of a model of one layer in F32. */
static size_t fuzz_folder_seed(const char *config, const char *tokenizer, const char *settings, uint8_t *out) {
    static const struct { const char *name; int rows, columns; } tensors[] = {
        {"embed_tokens", 12, 8}, {"norm", 8, 0}, {"layers.0.input_layernorm", 8, 0},
        {"layers.0.post_attention_layernorm", 8, 0}, {"layers.0.self_attn.q_proj", 8, 8},
        {"layers.0.self_attn.k_proj", 4, 8}, {"layers.0.self_attn.v_proj", 4, 8},
        {"layers.0.self_attn.o_proj", 8, 8}, {"layers.0.mlp.gate_proj", 16, 8}, {"layers.0.mlp.up_proj", 16, 8},
        {"layers.0.mlp.down_proj", 8, 16}};
    ft__buf head;
    size_t n_floats = 0, n;
    ft__buf_init(&head, NULL);
    for (size_t i = 0; i < FT__COUNT(tensors); i++) {
        const int rows = tensors[i].rows, columns = tensors[i].columns;
        const size_t count = (size_t)rows * (size_t)(columns ? columns : 1);
        ft__buf_printf(&head, "%s\"model.%s.weight\":{\"dtype\":\"F32\",\"shape\":[%d", i ? "," : "{",
                       tensors[i].name, rows);
        if (columns) ft__buf_printf(&head, ",%d", columns);
        ft__buf_printf(&head, "],\"data_offsets\":[%zu,%zu]}", 4 * n_floats, 4 * (n_floats + count));
        n_floats += count;
    }
    ft__buf_text(&head, "}");
    while (head.len % 8) ft__buf_byte(&head, ' ');
    const uint64_t n_head = head.len;
    n = (size_t)snprintf((char *)out, FUZZ_MAX, "%s\xFF%s\xFF%s\xFF", config, tokenizer, settings);
    fuzz_expect(!head.failed && n + 8 + head.len + 4 * n_floats < FUZZ_MAX, "the seed fits");
    memcpy(out + n, &n_head, 8);
    memcpy(out + n + 8, head.data, head.len);
    n += 8 + head.len;
    for (size_t i = 0; i < n_floats; i++, n += 4) {
        const float x = (float)((int)(i * 37 % 64) - 31) / 64;
        memcpy(out + n, &x, 4);
    }
    ft__buf_free(&head);
    return n;
}

TEST(fuzz, folder) {
    static const char shape[] =
        "\"hidden_size\":8,\"num_hidden_layers\":1,\"intermediate_size\":16,\"num_attention_heads\":2,"
        "\"num_key_value_heads\":1,\"head_dim\":4,\"max_position_embeddings\":64,\"rms_norm_eps\":1e-5,"
        "\"vocab_size\":12,\"tie_word_embeddings\":true,\"hidden_act\":\"silu\"";
    static const char vocab[] =
        "\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"abc\":4,\"\xC4\xA0\":5,\"\xC4\xA0" "a\":6},\"merges\":";
    static const char more[] =
        ",\"added_tokens\":[{\"id\":7,\"content\":\"<s>\",\"special\":true},{\"id\":8,\"content\":\"</s>\","
        "\"special\":true}]}";
    static const char settings[] = "{\"bos_token\":\"<s>\",\"eos_token\":{\"content\":\"</s>\"},"
                                   "\"chat_template\":\"{% for m in messages %}{{ m.content }}{% endfor %}\"}";
    static uint8_t bytes[2][FUZZ_MAX];
    char config[1024], tokenizer[1024];
    fuzz_seed seeds[2];
    for (int i = 0; i < 2; i++) {
        snprintf(config, sizeof config, "{\"model_type\":\"%s\",%s%s}", i ? "mistral" : "llama", shape,
                 i ? ",\"sliding_window\":32"
                   : ",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":1,"
                     "\"high_freq_factor\":4,\"original_max_position_embeddings\":32}");
        snprintf(tokenizer, sizeof tokenizer,
                 "{\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
                 "\"use_regex\":true},\"model\":{\"type\":\"BPE\",%s%s}%s", vocab,
                 i ? "[[\"a\",\"b\"],[\"ab\",\"c\"],[\"\xC4\xA0\",\"a\"]]" : "[\"a b\",\"ab c\",\"\xC4\xA0 a\"]", more);
        seeds[i].data = bytes[i];
        seeds[i].n = fuzz_folder_seed(config, tokenizer, settings, bytes[i]);
    }
    fuzz("folder", fuzz_target_folder, seeds, 2);
}
