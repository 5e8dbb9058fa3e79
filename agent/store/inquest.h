/* inquest: what can still be told of a store that was set aside: its state, and the times of the
 * oldest and the newest records that waited in it.  Reads a few pages; nothing is changed. */
#ifndef ISOTHERM_STORE_INQUEST_H
#define ISOTHERM_STORE_INQUEST_H

#include "base/log.h"
#include "store/meta.h"

#include <stdbool.h>
#include <stdint.h>

struct inquest {
    bool has_state;
    struct meta_state state; /* as of the last commit that can be read */
    struct notice said;      /* the times; owed_add_span */
};

/* What cannot be read is left out. */
void inquest_hold(struct inquest *inquest, const char *aside_path);

/* The notice says what the other epoch has lost: all that waited in it. */
void inquest_tell(const struct inquest *inquest, struct notice *notice);

/* The name of a file without its directory, as far as there is room for it. */
void inquest_name(struct notice *notice, const char *path, const char *suffix);

#endif
