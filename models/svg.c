/* Loss curves as SVG: one panel per log, one below the other, with the losses of training and validation over
   the steps. */
#include "train.h"

enum { WIDTH = 720, PANEL = 300, LEFT = 64, RIGHT = 16, TOP = 34, BOTTOM = 44, MAX_POINTS = 100000 };

typedef struct curve {
    const char *key, *label, *color;
} curve;
static const curve curves[] = {{"train", "training", "#1f77b4"}, {"valid", "validation", "#d95f02"}};

typedef struct panel {
    const char *title;
    double steps, highest;   /* ends of the axes, which begin at 0 */
    ft__json **lines;        /* (n) */
    size_t n;
    int top;                 /* of the panel */
} panel;

/* The smallest of 1, 2, 2.5, 5 times a power of ten that cuts `span` into at most n parts. */
static double tick_of(double span, int n) {
    static const double factors[] = {1, 2, 2.5, 5};
    double power = 1e-6;
    for (;; power *= 10)
        for (int i = 0; i < 4; i++)
            if (span / (factors[i] * power) <= n) return factors[i] * power;
}

static double x_of(const panel *p, double step) { return LEFT + step / p->steps * (WIDTH - LEFT - RIGHT); }
static double y_of(const panel *p, double loss) {
    return p->top + PANEL - BOTTOM - loss / p->highest * (PANEL - TOP - BOTTOM);
}

static void put_number(ft__buf *b, double x) {
    char text[32];
    ft__buf_add(b, text, ft__number_write(ft__floor(x * 1000 + 0.5) / 1000, text));
}

static void put_line(ft__buf *b, double x1, double y1, double x2, double y2, const char *color) {
    const double at[4] = {x1, y1, x2, y2};
    static const char *const names[4] = {"x1", "y1", "x2", "y2"};
    ft__buf_text(b, "<line");
    for (int i = 0; i < 4; i++) {
        ft__buf_printf(b, " %s=\"", names[i]);
        put_number(b, at[i]);
        ft__buf_byte(b, '"');
    }
    ft__buf_printf(b, " stroke=\"%s\"/>\n", color);
}

static void begin_text(ft__buf *b, double x, double y, const char *anchor) {
    ft__buf_text(b, "<text x=\"");
    put_number(b, x);
    ft__buf_text(b, "\" y=\"");
    put_number(b, y);
    ft__buf_printf(b, "\" text-anchor=\"%s\">", anchor);
}

static void put_text(ft__buf *b, double x, double y, const char *anchor, const char *text) {
    begin_text(b, x, y, anchor);
    for (; *text; text++) { /* a file's name may hold anything */
        if (*text == '<' || *text == '&') ft__buf_text(b, *text == '<' ? "&lt;" : "&amp;");
        else ft__buf_byte(b, *text);
    }
    ft__buf_text(b, "</text>\n");
}

static void put_mark(ft__buf *b, double x, double y, const char *anchor, double value) {
    begin_text(b, x, y, anchor);
    put_number(b, value);
    ft__buf_text(b, "</text>\n");
}

static void put_axes(ft__buf *b, const panel *p) {
    const double step = tick_of(p->steps, 8), loss = tick_of(p->highest, 6), bottom = y_of(p, 0);
    for (int i = 0; i * loss <= p->highest; i++) {
        put_line(b, LEFT, y_of(p, i * loss), WIDTH - RIGHT, y_of(p, i * loss), "#ddd");
        put_mark(b, LEFT - 6, y_of(p, i * loss) + 4, "end", i * loss);
    }
    for (int i = 0; i * step <= p->steps; i++) {
        put_line(b, x_of(p, i * step), bottom, x_of(p, i * step), bottom + 4, "#555");
        put_mark(b, x_of(p, i * step), bottom + 18, "middle", i * step);
    }
    put_line(b, LEFT, bottom, WIDTH - RIGHT, bottom, "#555");
    put_line(b, LEFT, bottom, LEFT, p->top + TOP, "#555");
    put_text(b, (LEFT + WIDTH - RIGHT) / 2.0, bottom + 36, "middle", "steps");
    put_text(b, LEFT, p->top + 20, "start", p->title);
    ft__buf_printf(b, "<text transform=\"translate(16 %d) rotate(-90)\" text-anchor=\"middle\">",
                   p->top + PANEL / 2);
    ft__buf_text(b, "loss per token, nats</text>\n");
}

static void put_curve(ft__buf *b, const panel *p, const curve *c, int index) {
    const double x = WIDTH - RIGHT - 220 + 110 * index, y = p->top + 16;
    ft__buf_printf(b, "<polyline fill=\"none\" stroke-width=\"1.6\" stroke=\"%s\" points=\"", c->color);
    for (size_t i = 0; i < p->n; i++) {
        const ft__json *value = ft__json_get(p->lines[i], c->key);
        if (!value) continue;
        put_number(b, x_of(p, ft__json_get(p->lines[i], "step")->number));
        ft__buf_byte(b, ',');
        put_number(b, y_of(p, value->number));
        ft__buf_byte(b, ' ');
    }
    ft__buf_text(b, "\"/>\n");
    put_line(b, x, y, x + 22, y, c->color);
    put_text(b, x + 28, y + 4, "start", c->label);
}

static ft_status read_line(ft__jsonl *reader, ft__arena *arena, panel *p, bool *end, ft_error *err) {
    ft__json *line;
    char where[384];
    ft_status status = ft__jsonl_next(reader, arena, &line, err);
    *end = !line;
    if (status || !line) return status;
    const ft__json *step = ft__json_get(line, "step");
    bool ok = p->n < MAX_POINTS && step && ft__json_is_integer(step, 0, 1e9);
    for (size_t i = 0; i < FT__COUNT(curves) && ok; i++) {
        const ft__json *value = ft__json_get(line, curves[i].key);
        if (!value) continue;
        ok = value->type == FT__JSON_NUMBER && value->number >= 0 && value->number < 1e6;
        if (ok && value->number > p->highest) p->highest = value->number;
    }
    snprintf(where, sizeof where, "%.300s:%u", reader->name, (unsigned)reader->line);
    if (!ok) return ft__fail(err, FT_ERR_DATA, where, "expected a line of a training log");
    if (step->number > p->steps) p->steps = step->number;
    p->lines[p->n++] = line;
    return FT_OK;
}

static ft_status read_log(const char *path, ft__arena *arena, panel *p, ft_error *err) {
    ft__jsonl reader;
    char *text;
    size_t n;
    bool end = false;
    const char *slash = strrchr(path, '/');
    ft_status status = ft__read_file(path, &arena->allocator, &text, &n, err);
    if (status) return status;
    p->title = slash ? slash + 1 : path;
    p->lines = (ft__json **)ft__arena_alloc(arena, n / 8 + 1, sizeof *p->lines); /* no line is shorter */
    const char *kept = ft__arena_text(arena, text, n);
    ft__free(&arena->allocator, text);
    if (!p->lines || !kept) return ft__fail_memory(err);
    ft__jsonl_init(&reader, kept, n, path);
    while (!status && !end) status = read_line(&reader, arena, p, &end, err);
    if (!status && (p->steps < 1 || !(p->highest > 0)))
        status = ft__fail(err, FT_ERR_DATA, path, "the log has no steps yet");
    return status;
}

ft_status train_svg_write(const char *const *logs, int n_logs, const char *path, ft_error *err) {
    ft__arena arena;
    ft__buf b;
    ft_status status = FT_OK;
    ft__arena_init(&arena, NULL);
    ft__buf_init(&b, NULL);
    ft__buf_printf(&b,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
                   "font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n"
                   "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
                   WIDTH, n_logs * PANEL, WIDTH, n_logs * PANEL);
    for (int i = 0; i < n_logs && !status; i++) {
        panel p;
        memset(&p, 0, sizeof p);
        p.top = i * PANEL;
        status = read_log(logs[i], &arena, &p, err);
        if (status) break;
        put_axes(&b, &p);
        for (int k = 0; k < (int)FT__COUNT(curves); k++) put_curve(&b, &p, &curves[k], k);
    }
    ft__buf_text(&b, "</svg>\n");
    if (!status) status = b.failed ? ft__fail_memory(err) : ft__write_file(path, b.data, b.len, NULL, err);
    ft__buf_free(&b);
    ft__arena_free(&arena);
    return status;
}
