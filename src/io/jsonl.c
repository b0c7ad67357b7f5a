/* JSONL: one JSON value a line.  A line is cut first and parsed alone, so that a value may not run
   on into the next one and an error names the line that has it. */
#include "json.h"

FT__PRIV void ft__jsonl_init(ft__jsonl *reader, const char *text, size_t n, const char *name) {
    memset(reader, 0, sizeof *reader);
    reader->text = n ? text : "";
    reader->end = reader->text + n;
    reader->name = name;
    if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) reader->text += 3;
}

/* Moves on by one line. */
static void ft__jsonl_cut(ft__jsonl *reader) {
    const char *start = reader->text;
    size_t n = (size_t)(reader->end - start);
    const char *newline = (const char *)memchr(start, '\n', n);
    if (newline) n = (size_t)(newline - start);
    reader->text = newline ? newline + 1 : reader->end;
    if (n > 0 && start[n - 1] == '\r') n--;
    reader->line++;
    reader->line_text = start;
    reader->line_len = n;
}

static bool ft__jsonl_blank(const char *text, size_t n) {
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t' || text[n - 1] == '\r')) n--;
    return n == 0;
}

FT__PRIV ft_status ft__jsonl_next(ft__jsonl *reader, ft__arena *arena, ft__json **value,
                                  ft_error *err) {
    *value = NULL;
    while (reader->text < reader->end) {
        ft__jsonl_cut(reader);
        if (!ft__jsonl_blank(reader->line_text, reader->line_len))
            return ft__json_parse(reader->line_text, reader->line_len, reader->name, reader->line,
                                  arena, value, err);
    }
    return FT_OK;
}
