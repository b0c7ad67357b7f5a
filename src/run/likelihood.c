/* How likely texts are: each after its prompt, or a long one in windows.  A prompt and the text after it are
   made into tokens together, as a reader would see them; the tokens that the prompt alone would not have
   begin the text (that is lm-evaluation-harness's way, too). */
#include "run.h"

/* BOS if the model wants one and the flags allow it, then the text; never EOS. */
static ft_status ft__likelihood_tokens(const ft_model *m, const char *text, size_t n_bytes, unsigned flags,
                                       ft__arena *arena, int32_t **tokens, int *n, ft_error *err) {
    size_t cap = 3 * n_bytes + 3, count;
    int bos = m->info.add_bos && m->info.bos >= 0 && !(flags & FT_TOKENIZE_PLAIN);
    *tokens = (int32_t *)ft__arena_alloc(arena, cap + 1, sizeof **tokens);
    if (!*tokens) return ft__fail_memory(err);
    (*tokens)[0] = m->info.bos;
    ft_status status = ft_tokenize(m, text, n_bytes, flags | FT_TOKENIZE_PLAIN, *tokens + bos, cap, &count, err);
    if (!status && count >= INT_MAX) return ft__fail(err, FT_ERR_LIMIT, "", "the text has too many tokens");
    *n = status ? 0 : (int)count + bos;
    return status;
}

FT__PRIV ft_status ft__likelihood_request(const ft_session *s, const ft_text_request *t, ft__arena *arena,
                                          ft_score_request *r, ft_error *err) {
    ft__arena scratch;
    int32_t *prompt, *whole, *kept;
    int n_prompt, n = 0, first = 0;
    ft__arena_init(&scratch, &s->allocator);
    char *text = (char *)ft__arena_alloc(&scratch, t->prompt_len + t->text_len + 1, 1);
    ft_status status = text ? FT_OK : ft__fail_memory(err);
    if (text && t->prompt_len) memcpy(text, t->prompt, t->prompt_len);
    if (text && t->text_len) memcpy(text + t->prompt_len, t->text, t->text_len);
    if (!status)
        status = ft__likelihood_tokens(s->model, text, t->prompt_len, t->flags, &scratch, &prompt, &n_prompt,
                                       err);
    if (!status)
        status = ft__likelihood_tokens(s->model, text, t->prompt_len + t->text_len, t->flags, &scratch, &whole,
                                       &n, err);
    while (!status && first < n && first < n_prompt && whole[first] == prompt[first]) first++;
    if (!status && !first) first = 1;
    if (!status && first < n) {
        kept = (int32_t *)ft__arena_alloc(arena, (size_t)n, sizeof *kept);
        r->logprobs = (float *)ft__arena_alloc(arena, (size_t)(n - first), sizeof *r->logprobs);
        if (!kept || !r->logprobs) status = ft__fail_memory(err);
        else memcpy(kept, whole, (size_t)n * sizeof *kept);
        r->variant = t->variant;
        r->tokens = kept;
        r->n_tokens = n;
        r->first = first;
    }
    ft__arena_free(&scratch);
    return status;
}

ft_status ft_session_score_texts(ft_session *s, const ft_text_request *texts, int n_texts, ft_likelihood *out,
                                 ft_error *err) {
    ft__arena arena;
    int n = 0;
    ft_status status = FT_OK;
    if (n_texts < 1) return FT_OK;
    ft__arena_init(&arena, &s->allocator);
    ft_score_request *requests =
        (ft_score_request *)ft__arena_alloc(&arena, (size_t)n_texts, sizeof *requests);
    if (!requests) status = ft__fail_memory(err);
    for (int i = 0; i < n_texts && !status; i++) {
        status = ft__likelihood_request(s, &texts[i], &arena, &requests[n], err);
        out[i].n_tokens = status ? 0 : requests[n].n_tokens - requests[n].first;
        if (!status && requests[n].n_tokens > s->n_ctx)
            status = ft__fail(err, FT_ERR_CONTEXT, texts[i].name, "the text with its prompt has %d tokens, over "
                              "the context of %d", requests[n].n_tokens, s->n_ctx);
        if (!status && requests[n].n_tokens) n++;
    }
    if (!status) status = ft_session_score(s, requests, n, err);
    for (int i = 0, k = 0; i < n_texts && !status; i++) {
        out[i].logprob = 0;
        out[i].n_bytes = texts[i].text_len;
        for (int t = 0; t < out[i].n_tokens; t++) out[i].logprob += (double)requests[k].logprobs[t];
        k += out[i].n_tokens > 0;
    }
    ft__arena_free(&arena);
    return status;
}

/* ---- a long text */

/* Windows of the session's context, each half a window further: every token is scored once, and after the
   first window with half a context before it at least. */
static ft_status ft__likelihood_windows(ft_session *s, int variant, const int32_t *tokens, int n,
                                        ft__arena *arena, double *sum, ft_error *err) {
    const int bos = s->model->info.add_bos && s->model->info.bos >= 0, size = s->n_ctx - bos;
    const int step = size / 2 > 0 ? size / 2 : 1, n_windows = n <= size ? 1 : 2 + (n - size - 1) / step;
    float *logprobs = (float *)ft__arena_alloc(arena, (size_t)n, sizeof *logprobs);
    ft_score_request *requests =
        (ft_score_request *)ft__arena_alloc(arena, (size_t)n_windows, sizeof *requests);
    int done = bos ? 0 : 1; /* without BOS the first token comes after nothing */
    if (!logprobs || !requests) return ft__fail_memory(err);
    logprobs[0] = 0;
    for (int w = 0; w < n_windows; w++) {
        const int begin = w * step, end = n - begin < size ? n : begin + size;
        int32_t *ids = (int32_t *)ft__arena_alloc(arena, (size_t)(end - begin + bos), sizeof *ids);
        if (!ids) return ft__fail_memory(err);
        ids[0] = s->model->info.bos;
        memcpy(ids + bos, tokens + begin, (size_t)(end - begin) * sizeof *ids);
        ft_score_request r = {variant, ids, end - begin + bos, done - begin + bos, logprobs + done, 0, NULL, NULL};
        requests[w] = r;
        done = end;
    }
    ft_status status = ft_session_score(s, requests, n_windows, err);
    for (int i = 0; i < n && !status; i++) *sum += (double)logprobs[i];
    return status;
}

ft_status ft_session_score_long(ft_session *s, int variant, const char *text, size_t n_bytes, ft_likelihood *out,
                                ft_error *err) {
    ft__arena arena;
    int32_t *tokens;
    int n = 0, bos = s->model->info.add_bos && s->model->info.bos >= 0;
    if (s->n_ctx < 2) return ft__fail(err, FT_ERR_CONTEXT, "", "a context of one token leaves none to score");
    ft__arena_init(&arena, &s->allocator);
    ft_status status = ft__likelihood_tokens(s->model, text, n_bytes, FT_TOKENIZE_DEFAULT, &arena, &tokens, &n, err);
    if (!status && n < 2)
        status = ft__fail(err, FT_ERR_DATA, "", "the text has too few tokens to score: %d", n - bos);
    out->logprob = 0;
    out->n_tokens = n - 1;
    out->n_bytes = n_bytes;
    if (!status)
        status = ft__likelihood_windows(s, variant, tokens + bos, n - bos, &arena, &out->logprob, err);
    ft__arena_free(&arena);
    return status;
}

double ft_perplexity(const ft_likelihood *l) {
    return l->n_tokens ? ft__exp(-l->logprob / l->n_tokens) : 1;
}

double ft_bits_per_byte(const ft_likelihood *l) {
    const double ln_2 = 0.69314718055994530942;
    return l->n_bytes ? -l->logprob / (ln_2 * (double)l->n_bytes) : 0;
}

ft_status ft_write_score(ft_session *s, int variant, const char *path, ft_write_fn write, void *user,
                         ft_error *err) {
    ft_likelihood l;
    ft__buf out;
    char *text;
    size_t n;
    ft_status status = ft__read_file(path, &s->allocator, &text, &n, err);
    if (status) return status;
    status = ft_session_score_long(s, variant, text, n, &l, err);
    if (status == FT_ERR_DATA) status = ft__fail(err, FT_ERR_DATA, path, "too few tokens to score");
    ft__free(&s->allocator, text);
    if (status) return status;
    ft__buf_init(&out, &s->allocator);
    ft__buf_printf(&out, "bytes          %llu\ntokens scored  %d\nlog-likelihood ", (unsigned long long)n,
                   l.n_tokens);
    ft__buf_fixed(&out, l.logprob, 4);
    ft__buf_text(&out, "\nperplexity     ");
    ft__buf_fixed(&out, ft_perplexity(&l), 4);
    ft__buf_text(&out, "\nbits per byte  ");
    ft__buf_fixed(&out, ft_bits_per_byte(&l), 4);
    ft__buf_byte(&out, '\n');
    status = ft__buf_write(&out, write, user, NULL, err);
    ft__buf_free(&out);
    return status;
}
