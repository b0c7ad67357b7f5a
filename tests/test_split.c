/* Models in several files: the same as in one; and what may be wrong with them. */
#include "test.h"

#include "../src/model/hf.h"
#include "../src/model/model.h"
#include "tiny.h"

/* Writes the whole model's tensors i with i % count == no into file no + 1. */
static void split_write(const char *whole, int count, int lie) {
    ft_allocator a = ft__allocator(NULL);
    ft__gguf g;
    ft_error err;
    char name[64];
    CHECK_OK(ft__gguf_open(&g, whole, &a, &err), err);
    for (int no = 0; no < count; no++) {
        ft__gguf_writer w;
        snprintf(name, sizeof name, "m-%05d-of-%05d.gguf", no + 1, count);
        CHECK_OK(ft__gguf_write_begin(&w, test_path(name), &a, &err), err);
        for (size_t i = 0; i < g.n_kv && no == 0; i++) ft__gguf_write_kv(&w, &g.kv[i]);
        ft__gguf_write_u32(&w, "split.no", (uint32_t)(lie == 1 && no == 1 ? 7 : no));
        ft__gguf_write_u32(&w, "split.count", (uint32_t)count);
        ft__gguf_write_u32(&w, "split.tensors.count", (uint32_t)g.n_tensors + (lie == 2));
        for (size_t i = 0; i < g.n_tensors; i++) {
            const ft__gguf_tensor *t = &g.tensors[i];
            if ((int)(i % (size_t)count) != no && !(lie == 3 && i == 0)) continue;
            CHECK_OK(ft__gguf_write_tensor(&w, t->name, t->n_dims, t->ne, t->type, &err), err);
        }
        for (size_t i = 0; i < g.n_tensors; i++)
            if ((int)(i % (size_t)count) == no || (lie == 3 && i == 0))
                CHECK_OK(ft__gguf_write_data(&w, g.tensors[i].data, g.tensors[i].size, &err), err);
        CHECK_OK(ft__gguf_write_end(&w, &err), err);
    }
    ft__gguf_close(&g);
}

static float *split_logits(const char *path, size_t *n) {
    static const int32_t tokens[] = {1, 5, 9, 300};
    ft_error err = {FT_OK, "", ""};
    ft_session *s = ft_session_load(path, NULL, &err);
    int sequence;
    if (!CHECK_OK(s ? FT_OK : err.code, err)) return NULL;
    *n = 4 * (size_t)tiny_vocab_size();
    float *logits = (float *)calloc(*n, sizeof *logits);
    ft_feed feed = {0, tokens, 4, NULL, logits};
    CHECK_OK(ft_session_open(s, 0, &sequence, &err), err);
    feed.sequence = sequence;
    CHECK_OK(ft_session_decode(s, &feed, 1, &err), err);
    ft_session_free(s);
    return logits;
}

TEST(split, is_the_model_that_it_was) {
    size_t n = 0, m = 0;
    tiny_write_model(test_path("whole.gguf"), NULL);
    float *whole = split_logits(test_path("whole.gguf"), &n);
    for (int count = 2; count < 5; count++) {
        char name[64];
        split_write(test_path("whole.gguf"), count, 0);
        snprintf(name, sizeof name, "m-00001-of-%05d.gguf", count);
        float *split = split_logits(test_path(name), &m);
        CHECK(whole && split && n == m && memcmp(whole, split, n * sizeof *whole) == 0);
        free(split);
    }
    free(whole);
}

static void split_fails(const char *name, ft_status status, const char *needle) {
    ft_error err = {FT_OK, "", ""};
    CHECK(!ft_model_load(test_path(name), NULL, &err));
    CHECK_ERROR(err.code, status, err, needle);
}

TEST(split, what_is_wrong_is_named) {
    tiny_write_model(test_path("whole.gguf"), NULL);
    split_write(test_path("whole.gguf"), 2, 0);
    split_fails("m-00002-of-00002.gguf", FT_ERR_FORMAT, "name the first of the files");
    rename(test_path("m-00001-of-00002.gguf"), test_path("m.gguf"));
    split_fails("m.gguf", FT_ERR_FORMAT, "split.count is 2: name the first of the files");
    rename(test_path("m.gguf"), test_path("m-00001-of-00002.gguf"));
    remove(test_path("m-00002-of-00002.gguf"));
    split_fails("m-00001-of-00002.gguf", FT_ERR_NOT_FOUND, "m-00002-of-00002.gguf");
    rename(test_path("whole.gguf"), test_path("n-00001-of-00002.gguf"));
    split_fails("n-00001-of-00002.gguf", FT_ERR_FORMAT, "split.count is not there");
    tiny_write_model(test_path("whole.gguf"), NULL);
    split_write(test_path("whole.gguf"), 2, 1);
    split_fails("m-00001-of-00002.gguf", FT_ERR_FORMAT, "split.no is 7, expected 1");
    split_write(test_path("whole.gguf"), 2, 2);
    split_fails("m-00001-of-00002.gguf", FT_ERR_FORMAT, "split.tensors.count");
    split_write(test_path("whole.gguf"), 2, 3);
    split_fails("m-00001-of-00002.gguf", FT_ERR_FORMAT, "split.tensors.count"); /* one is there twice */
}

TEST(split, digests_cover_all_files) {
    char command[1024], hex[65], *out = NULL;
    ft_error err;
    tiny_write_model(test_path("whole.gguf"), NULL);
    split_write(test_path("whole.gguf"), 3, 0);
    snprintf(command, sizeof command, "cd %s && sha256sum m-*-of-00003.gguf | sha256sum", test_path("."));
    CHECK_INT(test_run(command, &out), 0);
    CHECK_OK(ft_model_digest(test_path("m-00001-of-00003.gguf"), NULL, hex, &err), err);
    CHECK(out && strncmp(out, hex, 64) == 0);
    free(out);
}
