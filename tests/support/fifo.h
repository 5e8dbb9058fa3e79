/* fifo: a named pipe in a folder of its own, of which the test holds the writing end.  Tests
 * only; failures fail the test. */
#ifndef ISOTHERM_TESTS_FIFO_H
#define ISOTHERM_TESTS_FIFO_H

#include <stddef.h>

struct fifo {
    int fd; /* the writing end; -1: there is no pipe */
    char folder[64];
    char path[96];
};

void fifo_init(struct fifo *fifo); /* the folder, and the pipe in it */
void fifo_fini(struct fifo *fifo);
void fifo_make(struct fifo *fifo);   /* again, after fifo_remove */
void fifo_remove(struct fifo *fifo); /* closes and deletes the pipe */
void fifo_write(struct fifo *fifo, const void *bytes, size_t size);

#endif
