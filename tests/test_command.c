/* The built command, as its users run it: every command and option, what it prints, which files it
   leaves, and how it ends.  Runs from the repository's root; FT_BUILD names the folder of `ft`. */
#include "test.h"
#include "tiny.h"

#include <sys/stat.h>
#include <unistd.h>

enum { N_ROWS = 60 };

/* The suite's folder, which is where all commands run. */
static const char *command_path(const char *name) {
    char inside[128];
    snprintf(inside, sizeof inside, "command/%s", name);
    return test_path(inside);
}

static void command_write(const char *name, const char *text) {
    test_write(command_path(name), text, strlen(text));
}

static bool command_exists(const char *name) { return access(command_path(name), F_OK) == 0; }

static const char command_job[] =
    "{\"name\": \"tiny\", \"base\": {\"model\": \"base.gguf\"},\n"
    " \"candidates\": [{\"name\": \"tuned\", \"adapter\": \"tuned.gguf\"}],\n"
    " \"data\": [{\"path\": \"rows.jsonl\"}], \"prompt\": {\"template\": \"none\"},\n"
    " \"generate\": {\"max_tokens\": 4},\n"
    " \"evaluators\": [{\"use\": \"length\", \"name\": \"short\", \"params\": {\"max\": 400}}],\n"
    " \"gate\": {\"rules\": [{\"evaluator\": \"short\", \"cohort\": \"*\", \"max_drop\": 0}]},\n"
    " \"output\": \"run\"}\n";

static void command_files(void) {
    static const char *const cohorts[] = {"eu", "us", "refunds"};
    tiny_model m;
    tiny_adapter a;
    ft__buf rows;
    mkdir(test_path("command"), 0777);
    memset(&m, 0, sizeof m);
    memset(&a, 0, sizeof a);
    m.seed = 7;
    a.seed = 8;
    a.amplitude = 1;
    tiny_write_model(command_path("base.gguf"), &m);
    tiny_write_adapter(command_path("tuned.gguf"), &m, &a);
    a.wrong_shape = true;
    tiny_write_adapter(command_path("wrong.gguf"), &m, &a);
    a.wrong_shape = false;
    m.n_layers = 3; /* one more than the model */
    tiny_write_adapter(command_path("deeper.gguf"), &m, &a);
    ft__buf_init(&rows, NULL);
    for (int i = 0; i < N_ROWS; i++)
        ft__buf_printf(&rows,
                       "{\"id\": \"r%d\", \"cohort\": \"%s\", \"prompt\": \"Question %d: \"}\n", i,
                       cohorts[i % 3], i);
    test_write(command_path("rows.jsonl"), rows.data, rows.len);
    ft__buf_free(&rows);
    command_write("job.json", command_job);
    command_write("empty.jsonl", "");
    command_write("malformed.jsonl", "{\"prompt\": \"a\"}\n{\"prompt\": \"b\"\n");
    command_write("text.gguf", "once upon a time there was no model in this file\n");
    size_t n = 0;
    char *model = test_read(command_path("base.gguf"), &n);
    test_write(command_path("short.gguf"), model, n / 2);
    free(model);
}

/* Runs a shell script in the suite's folder; its `ft` is the one that was built.  *out as in
 * test_run. */
static int command_run(const char *script, char **out) {
    static bool made;
    const char *build = getenv("FT_BUILD");
    char root[2048], *command;
    size_t cap = strlen(script) + 3 * sizeof root;
    if (!made) command_files();
    made = true;
    if (!build) build = "build";
    if (build[0] == '/' || !getcwd(root, sizeof root)) root[0] = 0;
    command = (char *)malloc(cap);
    snprintf(command, cap, "PATH=\"%s%s%s:$PATH\"; cd %s || exit 99\n%s", root, root[0] ? "/" : "",
             build, test_path("command"), script);
    int code = test_run(command, out);
    free(command);
    return code;
}

/* Checks the exit code and that all of what was printed holds `needle` (NULL: anything). */
static void command_check(const char *script, int code, const char *needle, int line) {
    char *out = NULL;
    int got = command_run(script, &out);
    bool ok = got == code && (!needle || (out && strstr(out, needle)));
    if (!ok) {
        test_note("%s\n    ends with %d, expected %d%s%s:\n%.800s", script, got, code,
                  needle ? " and " : "", needle ? needle : "", out ? out : "");
        test_check(false, "the command ends as it should", __FILE__, line);
    }
    free(out);
}
#define EXPECT(script, code, needle) command_check((script), (code), (needle), __LINE__)

/* The output of a command that succeeds; free() it. */
static char *command_output(const char *script) {
    char *out = NULL;
    if (!CHECK_INT(command_run(script, &out), 0)) test_note("%s: %s", script, out ? out : "");
    return out;
}

/* Both print the same, or (expected false) not. */
static void command_compare(const char *one, const char *two, bool expected, int line) {
    char *a = command_output(one), *b = command_output(two);
    bool ok = a && b && (strcmp(a, b) == 0) == expected;
    if (!ok)
        test_note("%s\n    and\n    %s\n    print %s", one, two,
                  expected ? "other things" : "the same");
    test_check(ok, "outputs compare as they should", __FILE__, line);
    free(a), free(b);
}
#define SAME(one, two)  command_compare((one), (two), true, __LINE__)
#define OTHER(one, two) command_compare((one), (two), false, __LINE__)

/* ---- ft */

TEST(command, help_and_version) {
    EXPECT("ft --help", 0, "ft compare ");
    EXPECT("ft -h", 0, "Exit codes:");
    EXPECT("ft --version", 0, "ft " FT_VERSION "\n");
    EXPECT("ft", 3, "ft compare ");
    EXPECT("[ -z \"$(ft 2>/dev/null)\" ]", 0, NULL); /* what is wrong goes to stderr */
    EXPECT("[ -z \"$(ft --help 2>&1 >/dev/null)\" ]", 0, NULL);
    EXPECT("ft judge base.gguf", 3, "there is no command judge");
    EXPECT("for c in compare generate logits tokenize info; do ft $c && exit 1; done; true", 0,
           "ft: ");
}

TEST(command, options_are_checked) {
    EXPECT("ft generate base.gguf --prompt x", 3, "there is no option --prompt");
    EXPECT("ft info base.gguf --quiet", 3, "there is no option --quiet");
    EXPECT("ft compare job.json -o x", 3, "there is no option -o");
    EXPECT("ft generate base.gguf -p", 3, "wrong value for -p");
    EXPECT("ft generate base.gguf -p x -n", 3, "wrong value for -n");
    EXPECT("ft generate base.gguf -p x -n many", 3, "wrong value for -n");
    EXPECT("ft generate base.gguf -p x -n -1", 3, "wrong value for -n");
    EXPECT("ft generate base.gguf -p x --temp nan", 3, "wrong value for --temp");
    EXPECT("ft generate base.gguf -p x --seed 1x", 3, "wrong value for --seed");
    EXPECT("ft generate base.gguf tuned.gguf -p x", 3, "one file too many: tuned.gguf");
    EXPECT("ft generate -p x", 3, "MODEL");
    EXPECT("ft logits base.gguf --tokens 1 -o x.f32 --kv q4_0", 3, "f32, f16 or q8_0, not q4_0");
    EXPECT("ft generate base.gguf -p x -n 1 --threads 1000", 3, "threads: found 1000");
    /* the end of a known option's name is not its name */
    EXPECT("ft generate base.gguf -p x -k 5", 3, "there is no option -k");
    EXPECT("ft generate base.gguf '-p TEXT' x", 3, "-p TEXT");
    EXPECT("ft generate base.gguf - x", 3, "there is no option -");
    EXPECT("ft generate base.gguf -p x -threads 1", 3, "there is no option -threads");
    /* numbers that an int does not hold, or that are not whole */
    EXPECT("ft generate base.gguf -p x -n 5000000000", 3, "wrong value for -n");
    EXPECT("ft generate base.gguf -p x -n 2 --ctx 4294967300", 3, "wrong value for --ctx");
    EXPECT("ft generate base.gguf -p x -n 2.5", 3, "wrong value for -n");
}

/* ---- ft compare */

TEST(command, compare_ships_or_blocks) {
    EXPECT("rm -rf run; ft compare job.json", 0, "SHIP  tiny");
    CHECK(command_exists("run/result.json") && command_exists("run/rows.jsonl"));
    CHECK(command_exists("run/job.json") && command_exists("run/timing.json"));
    EXPECT("head -n -2 run/result.json | sha256sum | cut -c 1-64 | xargs -I{} grep '\"digest\": "
           "\"{}\"' "
           "run/result.json",
           0, "digest");
    EXPECT(
        "ft compare job.json --quiet --set 'gate.rules.0={\"evaluator\": \"short\", \"min_gain\": "
        "0.1}'",
        1, "BLOCK  tiny");
    EXPECT("grep '\"verdict\": \"block\"' run/result.json", 0,
           NULL); /* the new one took its place */
}

TEST(command, compare_takes_its_options) {
    EXPECT("rm -rf run elsewhere; ft compare job.json --out elsewhere", 0, "elsewhere");
    CHECK(command_exists("elsewhere/result.json") && !command_exists("run"));
    SAME("ft compare job.json --quiet --threads 1; cat run/result.json",
         "ft compare job.json --quiet --threads 2; cat run/result.json");
    EXPECT("ft compare job.json 2>&1 >/dev/null", 0, "120 of 120 answers");
    EXPECT("[ -z \"$(ft compare job.json --quiet 2>&1 >/dev/null)\" ]", 0, NULL);
    EXPECT("ft compare job.json --quiet --set 'candidates.0.scale=0.5' --set name='\"half\"'", 0,
           "SHIP  half");
    EXPECT("grep '\"scale\": 0.5' run/job.json", 0, NULL);
    EXPECT("ft compare job.json --set nothing", 3, "nothing");
    EXPECT("ft compare job.json --set 'gate.rules.0.max_drop=\"a\"'", 3, "max_drop");
}

/* What is wrong with the job or the rows is named with its line, and nothing looks finished. */
TEST(command, compare_refuses_wrong_jobs) {
    command_run("rm -rf run", NULL);
    EXPECT("sed 's/max_drop/max_drob/' job.json >bad.json; ft compare bad.json", 3, "bad.json:6: ");
    EXPECT("ft compare bad.json", 3, "did you mean \"max_drop\"");
    EXPECT("sed 's/\"eval/eval/' job.json >bad.json; ft compare bad.json", 3, "bad.json:5: ");
    EXPECT("ft compare job.json --set 'data.0.path=\"malformed.jsonl\"'", 3, "malformed.jsonl:2: ");
    EXPECT("ft compare job.json --set 'data.0.path=\"empty.jsonl\"'", 3, "empty.jsonl: ");
    EXPECT("ft compare job.json --set 'data.0.path=\"none.jsonl\"'", 3, "none.jsonl: ");
    EXPECT("ft compare job.json --set 'base.model=\"none.gguf\"'", 3, "none.gguf: ");
    EXPECT("ft compare job.json --set 'candidates.0.adapter=\"wrong.gguf\"'", 3, "wrong.gguf: ");
    EXPECT("ft compare job.json --set 'candidates.0.adapter=\"deeper.gguf\"'", 3, "blk.2.");
    EXPECT("ft compare job.json --set candidates.0.scale=0", 3, "the adapter changes nothing (its scale is 0)");
    EXPECT("ft compare job.json --set 'tokens=1'", 3, "\"tokens\" must be ");
    EXPECT("ft compare job.json --set 'gate.rules.0.cohort=\"nobody\"'", 3, "nobody");
    EXPECT("ft compare job.json --set 'generate.max_tokens=4000'", 3, "context");
    EXPECT("ft compare none.json", 3, "none.json: ");
    CHECK(!command_exists("run/result.json"));
}

/* An older result does not survive a run that fails over it. */
TEST(command, compare_leaves_no_result_after_a_failure) {
    EXPECT("ft compare job.json --quiet", 0, NULL);
    EXPECT("ft compare job.json --quiet --set 'base.model=\"short.gguf\"'", 3, "short.gguf: ");
    CHECK(!command_exists("run/result.json"));
    EXPECT("echo in the way >file; ft compare job.json --quiet --out file/run", 4, "file");
}

/* ---- ft generate */

TEST(command, generate_continues_a_text) {
    SAME("ft generate base.gguf -p 'hello world' -n 8",
         "ft generate base.gguf -p 'hello world' -n 8 "
         "--threads 1 --ctx 64");
    SAME("printf 'hello world' >prompt.txt; ft generate base.gguf -f prompt.txt -n 8",
         "ft generate base.gguf -p 'hello world' -n 8");
    SAME("ft generate base.gguf -p 'hello world' -n 8", "FT_ISA=scalar ft generate base.gguf -p "
                                                        "'hello world' -n 8");
    OTHER("ft generate base.gguf -p 'hello world' -n 8",
          "ft generate base.gguf -p 'hello world' -n 4");
    EXPECT("ft generate base.gguf", 3, "(-p TEXT | -f FILE)");
    EXPECT("ft generate base.gguf -f none.txt", 3, "none.txt: ");
    EXPECT("ft generate base.gguf -p x -n 1000", 3, "context of 128");
    EXPECT("ft generate base.gguf -p x -n 2 --ctx 3", 3, "context of 3");
    EXPECT("FT_ISA=abacus ft generate base.gguf -p x -n 2", 3, "abacus");
}

TEST(command, generate_samples_by_seed) {
#define SAMPLED "ft generate base.gguf -p 'hello world' -n 24 --temp 1 "
    SAME(SAMPLED "--seed 3", SAMPLED "--seed 3 --threads 1");
    OTHER(SAMPLED "--seed 3", SAMPLED "--seed 4");
    OTHER(SAMPLED "--seed 3", "ft generate base.gguf -p 'hello world' -n 24");
    /* each filter that keeps one token alone is greedy */
    SAME(SAMPLED "--seed 3 --top-k 1", "ft generate base.gguf -p 'hello world' -n 24");
    SAME(SAMPLED "--seed 3 --top-p 0.000001", "ft generate base.gguf -p 'hello world' -n 24");
    SAME(SAMPLED "--seed 3 --min-p 1", "ft generate base.gguf -p 'hello world' -n 24");
#undef SAMPLED
}

TEST(command, generate_stops_at_a_string) {
    char *whole = command_output("ft generate base.gguf -p 'hello world' -n 12"), script[160];
    char *stop = whole;
    while (stop && *stop && (*stop < 'A' || *stop > 'z' || *stop == '\\')) stop++;
    if (CHECK(stop && *stop)) {
        char letter = *stop;
        snprintf(script, sizeof script,
                 "ft generate base.gguf -p 'hello world' -n 12 --stop '%c' "
                 "--stop never",
                 letter);
        char *cut = command_output(script);
        *stop = 0;
        size_t n = strlen(whole); /* all before the letter, and the line end */
        CHECK(cut && strlen(cut) == n + 1 && memcmp(cut, whole, n) == 0 && cut[n] == '\n');
        free(cut);
    }
    free(whole);
    EXPECT("ft generate base.gguf -p x -n 2 --stop ''", 3, "is empty");
}

TEST(command, generate_puts_adapters_on) {
#define WITH(adapters) "ft generate base.gguf -p 'hello world' -n 12 " adapters
    OTHER(WITH(""), WITH("-a tuned.gguf"));
    SAME(WITH(""), WITH("-a tuned.gguf:0"));
    SAME(WITH("-a tuned.gguf"), WITH("-a tuned.gguf:1"));
    OTHER(WITH("-a tuned.gguf"), WITH("-a tuned.gguf:-1"));
    OTHER(WITH("-a tuned.gguf"), WITH("-a tuned.gguf -a tuned.gguf:2"));
    EXPECT(WITH("-a wrong.gguf"), 3, "wrong.gguf: blk.1.ffn_down.weight.lora_b: ");
    EXPECT(WITH("-a none.gguf"), 3, "none.gguf: ");
    EXPECT(WITH("-a base.gguf"), 3, "base.gguf: ");
    EXPECT(WITH("-a tuned.gguf:lots"), 3, "tuned.gguf:lots");
#undef WITH
}

/* ---- ft logits */

TEST(command, logits_are_the_same_on_every_path) {
    char *vocab = command_output("ft info base.gguf --json | grep vocabulary"), *size;
    EXPECT("ft logits base.gguf --tokens 1,40,300,77,12 -o one.f32 --threads 1", 0, NULL);
    size = command_output("wc -c <one.f32");
    CHECK(size && atoi(size) == 5 * tiny_vocab_size() * 4);
    CHECK(vocab && strtol(vocab + strcspn(vocab, "0123456789"), NULL, 10) == tiny_vocab_size());
    EXPECT(
        "ft logits base.gguf --tokens 1,40,300,77,12 -o two.f32 --threads 2 && cmp one.f32 two.f32",
        0, NULL);
    EXPECT("FT_ISA=scalar ft logits base.gguf --tokens 1,40,300,77,12 -o two.f32 && cmp one.f32 "
           "two.f32",
           0, NULL);
    if (command_run("FT_ISA=avx2 ft logits base.gguf --tokens 1 -o two.f32", NULL) == 0)
        EXPECT("FT_ISA=avx2 ft logits base.gguf --tokens 1,40,300,77,12 -o two.f32 && cmp one.f32 "
               "two.f32",
               0, NULL);
    else
        test_note("no avx2 here");
    EXPECT("printf '1 40\\n300,77, 12\\n' >ids.txt; ft logits base.gguf --tokens @ids.txt -o "
           "two.f32 --kv "
           "f32 --ctx 5 && cmp one.f32 two.f32",
           0, NULL);
    EXPECT(
        "ft logits base.gguf --tokens 1,40,300,77,12 -o two.f32 --kv f16; cmp -s one.f32 two.f32",
        1, NULL);
    EXPECT("ft logits base.gguf --tokens 1,40,300,77,12 -o three.f32 --kv q8_0 && "
           "! cmp -s one.f32 three.f32 && ! cmp -s two.f32 three.f32",
           0, NULL);
    EXPECT("ft logits base.gguf --tokens 1,40,300,77,12 -o two.f32 -a tuned.gguf:0 && cmp one.f32 "
           "two.f32",
           0, NULL);
    EXPECT("ft logits base.gguf --tokens 1,40,300,77,12 -o two.f32 -a tuned.gguf; cmp -s one.f32 "
           "two.f32",
           1, NULL);
    free(vocab), free(size);
}

TEST(command, logits_refuse_wrong_tokens) {
    command_run("rm -f bad.f32*", NULL);
#define LOGITS(tokens) "ft logits base.gguf -o bad.f32 --tokens " tokens
    EXPECT(LOGITS("1,382"), 3, "token 1 is 382, expected 0 to 381");
    EXPECT(LOGITS("1,-1"), 3, "-1");
    EXPECT(LOGITS("99999999999999999999"), 3, "99999999999999999999");
    EXPECT(LOGITS("1,a"), 3, "1,a");
    EXPECT(LOGITS("1,,2"), 3, "1,,2");
    EXPECT(LOGITS("''"), 3, "expected ids like 1,2,3");
    EXPECT(LOGITS("@none.txt"), 3, "none.txt: ");
    EXPECT(LOGITS("@empty.jsonl"), 3, "empty.jsonl");
    EXPECT(LOGITS("1,2,3 --ctx 2"), 3, "context of 2");
    EXPECT(LOGITS("1 -a wrong.gguf"), 3, "wrong.gguf: ");
#undef LOGITS
    EXPECT("ft logits base.gguf --tokens 1", 3, "-o FILE");
    EXPECT("ft logits base.gguf -o bad.f32", 3, "--tokens");
    EXPECT("ls bad.f32*", 2, NULL); /* no output, no part of one */
    EXPECT("echo old >old.f32; ft logits base.gguf --tokens 999 -o old.f32", 3, NULL);
    EXPECT("cat old.f32; ls old.f32*", 0, "old\nold.f32\n");
}

/* ---- ft tokenize */

TEST(command, tokenize_prints_ids) {
    EXPECT("ft tokenize base.gguf -p 'hello world'", 0, "[1,335,337]\n");
    EXPECT("ft tokenize base.gguf -p ''", 0, "[1]\n");
    EXPECT("ft tokenize base.gguf -p 'hello</s>' --special", 0, "[1,335,2]\n");
    EXPECT("ft tokenize base.gguf -p 'hello</s>' | grep -c ',2]'", 1, "0\n");
    command_write("texts.jsonl",
                  "{\"text\": \"hello world\"}\n\n{\"text\": \"hello</s>\", \"id\": 1}\r\n"
                  "{\"text\": \"\"}");
    EXPECT("ft tokenize base.gguf -f texts.jsonl --special", 0, "[1,335,337]\n[1,335,2]\n[1]\n");
    EXPECT("echo '{\"txt\": 1}' >>texts.jsonl; ft tokenize base.gguf -f texts.jsonl", 3,
           "texts.jsonl:4: ");
    EXPECT("echo '{\"text\": 1}' >bad.jsonl; ft tokenize base.gguf -f bad.jsonl", 3,
           "bad.jsonl:1: \"text\" must be a string, found number");
    EXPECT("ft tokenize base.gguf -f none.jsonl", 3, "none.jsonl: ");
    EXPECT("ft tokenize base.gguf", 3, "(-p TEXT | -f ROWS.jsonl)");
}

/* ---- ft info */

TEST(command, info_tells_what_a_file_is) {
    ft_error err;
    ft__arena arena;
    ft__json *info;
    EXPECT("ft info base.gguf", 0, "runs            yes");
    EXPECT("ft info tuned.gguf", 0, "kind            adapter, LoRA");
    char *text = command_output("ft info base.gguf --json");
    char *sum = command_output("sha256sum base.gguf | cut -c 1-64");
    ft__arena_init(&arena, NULL);
    if (text && sum &&
        CHECK_OK(ft__json_parse(text, strlen(text), "info", 1, &arena, &info, &err), err)) {
        sum[64] = 0;
        CHECK_TEXT(ft__json_get(info, "kind")->text, "model");
        CHECK_TEXT(ft__json_get(info, "sha256")->text, sum);
        CHECK_INT(ft__json_get(ft__json_get(info, "tokenizer"), "vocabulary")->number, tiny_vocab_size());
        CHECK_INT(ft__json_get(info, "tensor_list")->count, ft__json_get(info, "tensors")->number);
    }
    ft__arena_free(&arena);
    free(text), free(sum);
    EXPECT("ft info base.gguf --tensor output.weight -o w.f32 && wc -c <w.f32", 0, "97792\n");
    EXPECT("ft info base.gguf -o info.txt && cat info.txt", 0, "kind            model");
    EXPECT("rm -f w2.f32*; ft info base.gguf --tensor none.weight -o w2.f32", 3, "none.weight");
    EXPECT("ls w2.f32*", 2, NULL);
    EXPECT("ft info base.gguf --tensor output.weight", 3, "-o FILE");
    EXPECT("ft info base.gguf -a tuned.gguf", 0, "fits the model  yes");
    EXPECT("ft info base.gguf -a tuned.gguf --json | grep -c relative_mean", 0, NULL);
    EXPECT("ft info base.gguf -a wrong.gguf", 0, "fits the model  no: ");
    EXPECT("ft info base.gguf -a none.gguf", 3, "none.gguf: ");
    EXPECT("ft info base.gguf -a tuned.gguf -a wrong.gguf", 3, "one -a, not also wrong.gguf");
}

/* ---- what goes wrong outside of ft */

TEST(command, wrong_files_are_named) {
    static const char *const files[][2] = {{"none.gguf", "none.gguf: "},
                                           {"short.gguf", "short.gguf: "},
                                           {"text.gguf", "not a GGUF file"},
                                           {".", "config.json: the file is missing"},
                                           {"empty.jsonl", "empty.jsonl: "}};
    static const char *const commands[] = {"generate %s -p x", "logits %s --tokens 1 -o bad.f32",
                                           "tokenize %s -p x", "info %s"};
    char script[128];
    command_run("rm -f bad.f32*", NULL);
    for (size_t f = 0; f < FT__COUNT(files); f++)
        for (size_t c = 0; c < FT__COUNT(commands); c++) {
            if (c == 2 && strcmp(files[f][0], "short.gguf") == 0)
                continue; /* its vocabulary is whole */
            snprintf(script, sizeof script, "ft ");
            snprintf(script + 3, sizeof script - 3, commands[c], files[f][0]);
            EXPECT(script, 3, files[f][1]);
        }
    EXPECT("ft generate tuned.gguf -p x", 3, "tuned.gguf: "); /* an adapter is no model */
    EXPECT("ls bad.f32*", 2, NULL);
}

TEST(command, quantize_and_merge_write_whole_models) {
    EXPECT("ft quantize base.gguf q8.gguf --type Q8_0 && ft info q8.gguf", 0, "Q8_0");
    EXPECT("ft quantize base.gguf q8-again.gguf --type Q8_0 --threads 3 --json >/dev/null && cmp q8.gguf q8-again.gguf", 0,
           NULL);
    EXPECT("ft merge base.gguf -a tuned.gguf:0.5 -o merged.gguf --type F32", 0, "blk.0.attn_q.weight");
    EXPECT("ft generate merged.gguf -p x -n 2", 0, NULL);
    EXPECT("ft quantize base.gguf --type Q8_0", 3, "OUT.gguf");
    EXPECT("ft quantize base.gguf x.gguf --type Q9_0", 3, "Q9_0");
    EXPECT("ft quantize base.gguf x.gguf", 3, "--type");
    EXPECT("ft merge base.gguf -a tuned.gguf", 3, "OUT.gguf");
    EXPECT("ft merge base.gguf -o x.gguf", 3, "-a");
    EXPECT("ft merge base.gguf -a tuned.gguf -o base.gguf", 3, "base.gguf");
    EXPECT("ft quantize base.gguf none/x.gguf --type Q8_0", 4, "none/x.gguf");
    CHECK(!command_exists("x.gguf") && !command_exists("x.gguf.partial"));
}

TEST(command, output_that_cannot_be_written) {
    EXPECT("ft logits base.gguf --tokens 1 -o none/x.f32", 4, "none/x.f32");
    EXPECT("ft logits base.gguf --tokens 1 -o .", 4, NULL);
    EXPECT("ft info base.gguf >&-", 4, NULL);
    EXPECT("ft tokenize base.gguf -p x >&-", 4, NULL);
    EXPECT("ft generate base.gguf -p x -n 2 >&-", 4, NULL);
    EXPECT("ft compare job.json --quiet >&-", 4, NULL);
    EXPECT("ft --help >&-", 4, NULL);
    /* only ever as a target of the shell, which does not replace it; `-o` has a test of its own */
    if (command_run("[ -c /dev/full ]", NULL) != 0) SKIP("no /dev/full");
    EXPECT("ft info base.gguf >/dev/full", 4, NULL);
    EXPECT("ft tokenize base.gguf -p x >/dev/full", 4, NULL);
    EXPECT("ft generate base.gguf -p x -n 2 >/dev/full", 4, NULL);
    EXPECT("ft compare job.json --quiet >/dev/full", 4, NULL);
    EXPECT("ft --version >/dev/full", 4, NULL);
}

/* `-o` may be written into or refused where it is no regular file, but not renamed over: the same
   call with a device, as root, would take the device out of /dev.  A FIFO of our own stands for it.
 */
TEST(command, output_never_replaces_a_special_file) {
    struct stat st;
    command_run("rm -f pipe", NULL);
    const char *pipe = command_path("pipe");
    if (mkfifo(pipe, 0600) != 0) SKIP("no FIFO can be made");
    /* the reader is there for an `ft` that writes; what ft ends with is its own affair */
    command_run("cat pipe >/dev/null & reader=$!; ft logits base.gguf --tokens 1 -o pipe; "
                "kill $reader 2>/dev/null; true",
                NULL);
    CHECK(stat(command_path("pipe"), &st) == 0 && S_ISFIFO(st.st_mode));
}

/* ---- against the shared data */

/* The commands run in another folder. */
static const char *command_absolute(const char *path, char out[2048]) {
    char here[1024] = "";
    if (path[0] != '/' && !getcwd(here, sizeof here)) here[0] = 0;
    snprintf(out, 2048, "%s%s%.1000s", here, here[0] ? "/" : "", path);
    return out;
}

/* The largest distance of two files of floats; a NaN counts as infinite. */
static double command_distance(const char *a, const char *b, size_t n_bytes) {
    double worst = 0;
    for (size_t i = 0; i + 4 <= n_bytes; i += 4) {
        float x, y;
        memcpy(&x, a + i, 4);
        memcpy(&y, b + i, 4);
        double d = x > y ? (double)x - (double)y : (double)y - (double)x;
        if (!(d <= worst)) worst = d >= 0 ? d : DBL_MAX;
    }
    return worst;
}

TEST(command, logits_agree_with_the_reference) {
    const char *model = test_shared("logits/llama.gguf"), *json = test_shared("logits/llama.json");
    const char *reference = test_shared("logits/llama.ref64.f32");
    char path[2048];
    ft_error err;
    ft__arena arena;
    ft__json *facts;
    ft__buf script;
    size_t n_json, n_ours = 0, n_theirs = 0;
    if (!model || !json || !reference) SKIP("no ../shared");
    char *text = test_read(json, &n_json), *theirs = test_read(reference, &n_theirs);
    ft__arena_init(&arena, NULL);
    ft__buf_init(&script, NULL);
    if (CHECK_OK(ft__json_parse(text, n_json, json, 1, &arena, &facts, &err), err)) {
        ft__buf_printf(&script, "ft logits %s -o ours.f32 --tokens ",
                       command_absolute(model, path));
        for (const ft__json *t = ft__json_get(facts, "tokens")->child; t; t = t->next)
            ft__buf_printf(&script, "%d%s", (int)t->number, t->next ? "," : "");
        EXPECT(script.data, 0, NULL);
        char *ours = test_read(command_path("ours.f32"), &n_ours);
        if (CHECK(ours && n_ours > 0) && CHECK_INT(n_ours, n_theirs)) {
            double worst = command_distance(ours, theirs, n_ours);
            test_note("largest distance %.3g", worst);
            CHECK(worst <= 1e-4);
        }
        free(ours);
    }
    ft__buf_free(&script);
    ft__arena_free(&arena);
    free(text), free(theirs);
}

/* llama.cpp's own strings as rows; its ids have no BOS, ft's have. */
TEST(command, tokenize_agrees_with_the_reference) {
    static const char between[] = "\n__ggml_vocab_test__\n";
    const char *model = test_shared("tokenizers/ggml-vocab-llama-spm.gguf");
    const char *inp = test_shared("tokenizers/ggml-vocab-llama-spm.gguf.inp");
    const char *out = test_shared("tokenizers/ggml-vocab-llama-spm.gguf.out");
    char path[2048], script[4096];
    ft__buf rows, expected;
    ft__json_writer w;
    int n_texts = 0;
    if (!model || !inp || !out) SKIP("no ../shared");
    char *texts = test_read(inp, NULL), *ids = test_read(out, NULL);
    ft__buf_init(&rows, NULL);
    ft__buf_init(&expected, NULL);
    for (char *p = texts, *end; (end = strstr(p, between)) != NULL; p = end + sizeof between - 1) {
        ft__json_writer_init(&w, &rows, 0);
        ft__json_begin(&w, '{');
        ft__json_key(&w, "text"), ft__json_string(&w, p, (size_t)(end - p));
        ft__json_end(&w, '}');
        ft__buf_byte(&rows, '\n');
        n_texts++;
    }
    for (char *p = ids, *end; n_texts > 0 && (end = strchr(p, '\n')) != NULL; p = end + 1) {
        ft__buf_text(&expected, "[1");
        for (const char *c = p; c < end; c++) ft__buf_byte(&expected, *c == ' ' ? ',' : *c);
        ft__buf_text(&expected, "]\n");
    }
    test_write(command_path("strings.jsonl"), rows.data, rows.len);
    snprintf(script, sizeof script, "ft tokenize %s -f strings.jsonl",
             command_absolute(model, path));
    char *ours = command_output(script);
    CHECK(n_texts >= 40);
    CHECK_TEXT(ours, expected.data);
    ft__buf_free(&rows);
    ft__buf_free(&expected);
    free(texts), free(ids), free(ours);
}
