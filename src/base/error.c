/* Errors are values: a code, a sentence, a place. */
#include "base.h"

typedef struct ft__error_row {
    const char *name, *text;
    int exit_code;
} ft__error_row;

static const ft__error_row ft__error_rows[] = {
#define FT__ERROR_ROW(name, exit_code, text) {#name, text, exit_code},
    FT_STATUS_LIST(FT__ERROR_ROW)
#undef FT__ERROR_ROW
};

static const ft__error_row *ft__error_find(ft_status status) {
    static const ft__error_row unknown = {"FT_ERR_UNKNOWN", "unknown status", 4};
    return (unsigned)status < FT_STATUS_COUNT ? &ft__error_rows[status] : &unknown;
}

const char *ft_status_name(ft_status status) { return ft__error_find(status)->name; }
const char *ft_status_text(ft_status status) { return ft__error_find(status)->text; }
int ft_status_exit_code(ft_status status) { return ft__error_find(status)->exit_code; }

/* Messages quote files from strangers and end on terminals: control bytes become '?'. */
static void ft__error_tame(char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < 32 || *text == 127) *text = '?';
}

FT__PRIV ft_status ft__fail(ft_error *err, ft_status code, const char *where, const char *fmt, ...) {
    if (!err) return code;
    va_list args;
    va_start(args, fmt);
    err->code = code;
    vsnprintf(err->message, sizeof err->message, fmt, args);
    snprintf(err->where, sizeof err->where, "%s", where ? where : "");
    va_end(args);
    ft__error_tame(err->message);
    ft__error_tame(err->where);
    return code;
}

FT__PRIV ft_status ft__fail_memory(ft_error *err) {
    return ft__fail(err, FT_ERR_MEMORY, NULL, "out of memory");
}
