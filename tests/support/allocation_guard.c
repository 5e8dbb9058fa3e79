/* Linked into isotherm-guarded with --wrap: counts what our own code (not the libraries) has
 * allocated when the agent begins to run, says so on standard error, and from then on a call of
 * malloc and its kin is written down and ends the process with a failure. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct agent;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *old);
void __real_agent_run(struct agent *agent);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *old);
void __wrap_agent_run(struct agent *agent);

enum { BLOCKS = 4096 };

/* A test's own state, not the product's. */
static volatile int is_armed;
static struct {
    void *start;
    size_t size;
} blocks[BLOCKS];
static size_t block_count, total_bytes;

static void note(void *start, size_t size)
{
    if (start == NULL || is_armed || block_count == BLOCKS) return;
    blocks[block_count].start = start;
    blocks[block_count++].size = size;
    total_bytes += size;
}

static void forget(const void *start)
{
    if (start == NULL || is_armed) return;
    for (size_t i = block_count; i-- > 0;) {
        if (blocks[i].start != start) continue;
        total_bytes -= blocks[i].size;
        blocks[i] = blocks[--block_count];
        return;
    }
}

static void trap(const char *name)
{
    if (!is_armed) return;
    static const char text[] = "allocation after start: ";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    ignored += write(STDERR_FILENO, name, strlen(name));
    (void)ignored;
    abort();
}

void *__wrap_malloc(size_t size)
{
    trap("malloc\n");
    void *start = __real_malloc(size);
    note(start, size);
    return start;
}

void *__wrap_calloc(size_t count, size_t size)
{
    trap("calloc\n");
    void *start = __real_calloc(count, size);
    note(start, count * size);
    return start;
}

void *__wrap_realloc(void *old, size_t size)
{
    trap("realloc\n");
    forget(old);
    void *start = __real_realloc(old, size);
    note(start, size);
    return start;
}

void __wrap_free(void *old)
{
    forget(old);
    __real_free(old);
}

void __wrap_agent_run(struct agent *agent)
{
    (void)fprintf(stderr, "allocated at start: %zu bytes\n", total_bytes);
    is_armed = 1;
    __real_agent_run(agent);
    is_armed = 0;
}
