/* Invariant: the test's end is open for reading as well, so that opening never waits. */
#include "support/fifo.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

void fifo_init(struct fifo *fifo)
{
    *fifo = (struct fifo){.fd = -1, .folder = "/tmp/isotherm-fifo-XXXXXX"};
    assert_non_null(mkdtemp(fifo->folder));
    (void)snprintf(fifo->path, sizeof fifo->path, "%s/pipe", fifo->folder);
    fifo_make(fifo);
}

void fifo_fini(struct fifo *fifo)
{
    fifo_remove(fifo);
    (void)rmdir(fifo->folder);
}

void fifo_make(struct fifo *fifo)
{
    assert_int_equal(mkfifo(fifo->path, 0600), 0);
    fifo->fd = open(fifo->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    assert_true(fifo->fd >= 0);
}

void fifo_remove(struct fifo *fifo)
{
    if (fifo->fd >= 0) (void)close(fifo->fd);
    fifo->fd = -1;
    (void)unlink(fifo->path);
}

void fifo_write(struct fifo *fifo, const void *bytes, size_t size)
{
    assert_int_equal(write(fifo->fd, bytes, size), size);
}
