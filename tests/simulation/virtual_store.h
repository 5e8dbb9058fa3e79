/* virtual_store: the store thread as something that takes virtual time: the real writer works on
 * a real database, and the loop hears of it a little later.
 *
 * Linked in place of store/store_thread.c; for one store at a time. */
#ifndef ISOTHERM_TESTS_VIRTUAL_STORE_H
#define ISOTHERM_TESTS_VIRTUAL_STORE_H

#include <stdbool.h>
#include <stdint.h>

struct virtual_store_hooks {
    int64_t (*delay_ms)(void *context); /* how long the next step of the thread takes */
    bool (*fails)(void *context);       /* whether the next try to commit fails */
    /* The transaction that holds everything up to `ticket` is done; the loop knows nothing yet. */
    void (*durable)(void *context, uint64_t ticket);
    void *context;
};

/* Begins anew, after virtual_time_reset. */
void virtual_store_set_hooks(const struct virtual_store_hooks *hooks);

/* The process dies: what the thread has not done will never be done. */
void virtual_store_crash(void);

#endif
