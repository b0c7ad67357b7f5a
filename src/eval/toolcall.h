/* What the rooms of tool calls share: toolcall_value.c reads values, toolcall_read.c finds the
   calls of a text, toolcall.c compares them. */
#ifndef FT__TOOLCALL_H
#define FT__TOOLCALL_H

#include "eval.h"

/* ---- toolcall_value.c */

/* Every value is read twice.  The first time only shows whether it is one, so that prose full of
   brackets takes no memory; all nodes are the dummy then. */
typedef struct ft__toolcall_reader {
    const char *text, *p, *end;
    ft__arena *arena;
    ft__tool_calls *calls;
    size_t budget;
    int depth;
    bool keep;
    bool is_call;    /* the value just read is a call in Python syntax */
    bool positional; /* some argument of a call had no keyword */
    ft__json dummy;
} ft__toolcall_reader;
FT__PRIV void ft__toolcall_init(ft__toolcall_reader *r, ft__view text, ft__arena *arena,
                                ft__tool_calls *calls);

FT__PRIV bool ft__toolcall_at(const ft__toolcall_reader *r, char c);
FT__PRIV bool ft__toolcall_looks_at(const ft__toolcall_reader *r, const char *text);
/* True and past it, if it is there. */
FT__PRIV bool ft__toolcall_skip(ft__toolcall_reader *r, const char *text);
FT__PRIV void ft__toolcall_skip_any(ft__toolcall_reader *r, const char *set);
FT__PRIV void ft__toolcall_blanks(ft__toolcall_reader *r);
/* Of a name: ASCII letters, _ and anything beyond ASCII. */
FT__PRIV bool ft__toolcall_is_letter(char c);
/* The name of a tool or an argument, perhaps with dots and hyphens; empty: none. */
FT__PRIV ft__view ft__toolcall_name(ft__toolcall_reader *r);

/* A value and past it, or false and where it was. */
FT__PRIV bool ft__toolcall_try(ft__toolcall_reader *r, ft__json **value);
/* What has been read from there on was read in vain. */
FT__PRIV void ft__toolcall_charge(ft__toolcall_reader *r, const char *from);
/* All of a text as one value; NULL: it is none. */
FT__PRIV ft__json *ft__toolcall_whole(ft__view text, ft__arena *arena);

/* A node with room for n bytes of text and a NUL. */
FT__PRIV ft__json *ft__toolcall_new(ft__toolcall_reader *r, ft__json_type type, size_t n);
FT__PRIV ft__json *ft__toolcall_new_text(ft__toolcall_reader *r, ft__view text);
FT__PRIV void ft__toolcall_append(const ft__toolcall_reader *r, ft__json *parent, ft__json ***tail,
                                  ft__json *child, ft__view key);

/* ---- toolcall_read.c */

/* The line of a string that was no string by its own notation: its type is unknown. */
#define FT__TOOLCALL_UNTYPED UINT32_MAX
/* The member by the first of these keys that is there. */
FT__PRIV const ft__json *ft__toolcall_first_of(const ft__json *object, const char *const *keys,
                                               size_t n);

#endif /* FT__TOOLCALL_H */
