/* Linked into isotherm-guarded with --wrap: once the agent runs, a call of malloc and its kin from
 * our own code (not from the libraries) is written down and ends the process with a failure. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct agent;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_agent_run(struct agent *agent);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_agent_run(struct agent *agent);

static volatile int is_armed; /* a test's own state, not the product's */

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
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    trap("calloc\n");
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    trap("realloc\n");
    return __real_realloc(old, size);
}

void __wrap_agent_run(struct agent *agent)
{
    is_armed = 1;
    __real_agent_run(agent);
    is_armed = 0;
}
