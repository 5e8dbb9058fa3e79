/* Invariant: the output is on exactly while `call_count` or `overflow` is above 0, as soon as the
 * last write that was asked for is done. */
#include "action/output.h"

#include "action/gpio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CALLS = 1024, RETRY_MS = 1000 };

struct output {
    struct action_options options;
    struct loop *loop;
    struct log *log;
    struct loop_timer *timer; /* the next try after a failure */
    uint64_t calls[CALLS];    /* hashes of the alarms that call */
    size_t call_count;
    uint64_t overflow; /* calls beyond that, of which only the number is known */
    uint64_t errors;
    bool is_writing, is_again_wanted, is_abandoned;

    /* Of the pool thread while is_writing. */
    bool level;
    int line_fd;
    int error;
};

static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text != '\0'; text++) hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

bool output_is_on(const struct output *output)
{
    return output->call_count + output->overflow > 0;
}

uint64_t output_count_errors(const struct output *output)
{
    return output->errors;
}

static int write_file(const struct output *output)
{
    const char *text = output->level ? output->options.on_text : output->options.off_text;
    /* Not created: a path that is not there is a mistake, or a device that is still to come. */
    int fd = open(output->options.file, O_WRONLY | O_TRUNC | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return errno;
    size_t size = strlen(text);
    errno = EIO;
    int error = write(fd, text, size) == (ssize_t)size ? 0 : errno;
    (void)close(fd);
    return error;
}

static int write_line(struct output *output)
{
    if (output->line_fd >= 0) {
        if (gpio_set_line(output->line_fd, output->level) == 0) return 0;
        int error = errno;
        if (error != ENODEV) return error;
        (void)close(output->line_fd); /* the chip is gone: asked for anew when it is there again */
        output->line_fd = -1;
        return error;
    }
    output->line_fd = gpio_open_line(output->options.gpio_chip, (uint32_t)output->options.gpio_line,
                                     output->options.is_active_low, output->level);
    return output->line_fd >= 0 ? 0 : errno;
}

static void work(void *request)
{
    struct output *output = request;
    output->error = output->options.file[0] != '\0' ? write_file(output) : write_line(output);
}

static void release(struct output *output)
{
    loop_timer_stop(&output->timer);
    if (output->line_fd >= 0) (void)close(output->line_fd);
    free(output);
}

static void done(void *request)
{
    struct output *output = request;
    output->is_writing = false;
    if (output->is_abandoned) {
        release(output);
        return;
    }
    if (output->error != 0) {
        const char *path =
            output->options.file[0] != '\0' ? output->options.file : output->options.gpio_chip;
        output->errors++;
        log_limited(output->log, LOG_LEVEL_ERROR, output->options.name, "write",
                    "cannot switch %s: %s; trying again", path, strerror(output->error));
        loop_timer_again(output->timer, RETRY_MS, 0);
    }
    if (output->is_again_wanted) output_write(output);
}

void output_write(struct output *output)
{
    output->is_again_wanted = output->is_writing;
    if (output->is_writing) return;
    output->level = output_is_on(output);
    output->is_writing = true;
    if (loop_pool_run(output->loop, work, done, output) == ST_OK) return;
    output->is_writing = false;
    loop_timer_again(output->timer, RETRY_MS, 0);
}

static void on_timer(void *context)
{
    output_write(context);
}

static size_t find_call(const struct output *output, uint64_t hash)
{
    size_t i = 0;
    while (i < output->call_count && output->calls[i] != hash) i++;
    return i;
}

void output_add_call(struct output *output, const char *alarm)
{
    bool was_on = output_is_on(output);
    uint64_t hash = hash_of(alarm);
    if (find_call(output, hash) < output->call_count) return;
    if (output->call_count < CALLS)
        output->calls[output->call_count++] = hash;
    else
        output->overflow++;
    if (!was_on) output_write(output);
}

void output_remove_call(struct output *output, const char *alarm)
{
    bool was_on = output_is_on(output);
    size_t at = find_call(output, hash_of(alarm));
    if (at < output->call_count)
        output->calls[at] = output->calls[--output->call_count];
    else if (output->overflow > 0)
        output->overflow--;
    if (was_on && !output_is_on(output)) output_write(output);
}

size_t output_size_bytes(void)
{
    return sizeof(struct output);
}

enum status output_open(struct output **result, const struct action_options *options,
                        struct loop *loop, struct log *log)
{
    struct output *output = calloc(1, sizeof *output);
    *result = output;
    if (output == NULL) return ST_NO_MEMORY;
    output->options = *options;
    output->loop = loop;
    output->log = log;
    output->line_fd = -1;
    output->timer = loop_timer_start(loop, INT32_MAX, 0, on_timer, output);
    if (output->timer != NULL) return ST_OK;
    free(output);
    *result = NULL;
    return ST_FULL;
}

void output_close(struct output *output)
{
    if (output == NULL) return;
    loop_timer_stop(&output->timer);
    if (output->is_writing)
        output->is_abandoned = true; /* released by done, or by the end of the process */
    else
        release(output);
}
