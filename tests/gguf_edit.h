/* Changes GGUF files for tests: keys and tensors left out, replaced or added, bytes overwritten.  Any
   failure ends the test program with a message. */
#ifndef FT_GGUF_EDIT_H
#define FT_GGUF_EDIT_H

#include "../src/num/num.h"

enum { EDIT_MAX = 16 };

/* One change; a key or tensor of the same name goes. */
typedef struct edit_change {
    const char *name;
    char what; /* '-' nothing comes instead; 'i' 'f' 's' a key; 't' a tensor */
    uint32_t integer;
    float number;
    const char *text;
    uint32_t type;
    uint64_t ne[4];
    const void *data; /* NULL: zeros */
} edit_change;

typedef struct edit {
    const char *from;
    edit_change changes[EDIT_MAX];
    int n_changes;
} edit;

void edit_begin(edit *e, const char *from);
void edit_drop(edit *e, const char *name);
void edit_int(edit *e, const char *key, uint32_t value);
void edit_float(edit *e, const char *key, float value);
void edit_text(edit *e, const char *key, const char *text);
void edit_tensor(edit *e, const char *name, uint32_t type, int ne0, int ne1, const void *data);
void edit_save(edit *e, const char *to); /* `to` may not be `from` */

/* Overwrites bytes of a tensor's data in the file itself. */
void edit_poke(const char *path, const char *tensor, size_t at, const void *bytes, size_t n);
/* Where a tensor's data ends in the file; the latest end for NULL. */
size_t edit_end(const char *path, const char *tensor);

#endif
