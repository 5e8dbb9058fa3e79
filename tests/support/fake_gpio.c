/* fake_gpio: a shared library to be preloaded, which plays a GPIO chip of the kernel's character
 * device (v2) and refuses what the kernel refuses.
 *
 * FAKE_GPIO_CHIP: a file that stands for the chip.  FAKE_GPIO_LOG: gets a line for each request,
 * each level and each release, with the level at the pin.  FAKE_GPIO_GONE: while that file is
 * there, every call fails as on a chip that was pulled out.  No more than one process at a time. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/gpio.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <dlfcn.h>

enum { LINES = 32, ARGUMENTS = 6 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct line {
    int fd; /* of the request that holds it; 0: free */
    bool is_active_low;
} lines[LINES];

/* A symbol of the next library as a function: the cast that ISO C lacks. */
#define NEXT(pointer, name)                                                                        \
    do {                                                                                           \
        void *symbol = dlsym(RTLD_NEXT, name);                                                     \
        memcpy(&(pointer), &symbol, sizeof symbol);                                                \
    } while (0)

long syscall(long number, ...);
int close(int fd);

static void say(const char *what, size_t line, bool is_on)
{
    char text[128];
    const char *path = getenv("FAKE_GPIO_LOG");
    bool pin = is_on != lines[line].is_active_low;
    int size = snprintf(text, sizeof text, "%s line=%zu value=%d pin=%d\n", what, line, is_on, pin);
    int fd = path != NULL ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666) : -1;
    if (fd < 0) return;
    if (write(fd, text, (size_t)size) != size) abort();
    int (*next)(int fd);
    NEXT(next, "close");
    (void)next(fd);
}

static bool is_chip(int fd)
{
    char link[64], path[PATH_MAX];
    const char *chip = getenv("FAKE_GPIO_CHIP");
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (chip == NULL || size < 0) return false;
    path[size] = '\0';
    return strcmp(path, chip) == 0;
}

static bool is_zero(const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (((const unsigned char *)bytes)[i] != 0) return false;
    return true;
}

/* The flags an output may have; 0 or an errno. */
static int check_flags(uint64_t flags)
{
    const uint64_t known = GPIO_V2_LINE_FLAG_ACTIVE_LOW | GPIO_V2_LINE_FLAG_INPUT |
                           GPIO_V2_LINE_FLAG_OUTPUT | GPIO_V2_LINE_FLAG_EDGE_RISING |
                           GPIO_V2_LINE_FLAG_EDGE_FALLING | GPIO_V2_LINE_FLAG_OPEN_DRAIN |
                           GPIO_V2_LINE_FLAG_OPEN_SOURCE | GPIO_V2_LINE_FLAG_BIAS_PULL_UP |
                           GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN | GPIO_V2_LINE_FLAG_BIAS_DISABLED;
    const uint64_t edges = GPIO_V2_LINE_FLAG_EDGE_RISING | GPIO_V2_LINE_FLAG_EDGE_FALLING;
    bool is_output = (flags & GPIO_V2_LINE_FLAG_OUTPUT) != 0;
    bool is_input = (flags & GPIO_V2_LINE_FLAG_INPUT) != 0;
    if ((flags & ~known) != 0 || is_output == is_input) return EINVAL;
    return is_output && (flags & edges) == 0 ? 0 : EINVAL;
}

static int check_config(const struct gpio_v2_line_config *config)
{
    if (!is_zero(config->padding, sizeof config->padding)) return EINVAL;
    if (config->num_attrs > GPIO_V2_LINE_NUM_ATTRS_MAX) return EINVAL;
    for (uint32_t i = 0; i < config->num_attrs; i++) {
        if (config->attrs[i].attr.padding != 0) return EINVAL;
        if (config->attrs[i].attr.id != GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES) return EINVAL;
    }
    return check_flags(config->flags);
}

/* Only what the product asks for: one line. */
static int take_line(struct gpio_v2_line_request *request)
{
    bool has_value = false, is_on = false;
    if (!is_zero(request->padding, sizeof request->padding)) return EINVAL;
    if (request->num_lines != 1 || request->offsets[0] >= LINES) return EINVAL;
    if (memchr(request->consumer, '\0', sizeof request->consumer) == NULL) return EINVAL;
    int error = check_config(&request->config);
    struct line *line = &lines[request->offsets[0]];
    if (error != 0) return error;
    if (line->fd != 0) return EBUSY;
    for (uint32_t i = 0; i < request->config.num_attrs; i++) {
        if ((request->config.attrs[i].mask & 1) == 0) continue;
        has_value = true;
        is_on = (request->config.attrs[i].attr.values & 1) != 0;
    }
    request->fd = memfd_create("gpio-line", 0); /* the kernel sets close-on-exec; so must we */
    if (request->fd < 0) return errno;
    line->fd = request->fd;
    line->is_active_low = (request->config.flags & GPIO_V2_LINE_FLAG_ACTIVE_LOW) != 0;
    char what[64];
    (void)snprintf(what, sizeof what, "request by=%s%s%s", request->consumer,
                   line->is_active_low ? " active-low" : "", has_value ? "" : " without a value");
    say(what, request->offsets[0], is_on);
    return 0;
}

static int set_values(size_t line, const struct gpio_v2_line_values *values)
{
    if ((values->mask & 1) == 0) return EINVAL; /* none of our lines */
    say("set", line, (values->bits & 1) != 0);
    return 0;
}

static bool is_gone(void)
{
    const char *path = getenv("FAKE_GPIO_GONE");
    return path != NULL && access(path, F_OK) == 0;
}

/* True: it was for us, and *error says what came of it. */
static bool serve(int fd, unsigned long number, void *argument, int *error)
{
    size_t line = 0;
    while (line < LINES && (lines[line].fd == 0 || lines[line].fd != fd)) line++;
    if (line == LINES && !is_chip(fd)) return false;
    if (is_gone())
        *error = ENODEV;
    else if (line < LINES && number == GPIO_V2_LINE_SET_VALUES_IOCTL)
        *error = set_values(line, argument);
    else if (line == LINES && number == GPIO_V2_GET_LINE_IOCTL)
        *error = take_line(argument);
    else
        *error = ENOTTY;
    return true;
}

long syscall(long number, ...)
{
    long (*next)(long number, ...);
    long given[ARGUMENTS];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < ARGUMENTS; i++) given[i] = va_arg(arguments, long);
    va_end(arguments);
    int error = 0;
    if (number == SYS_ioctl) {
        void *argument;
        memcpy(&argument, &given[2], sizeof argument);
        (void)pthread_mutex_lock(&mutex);
        bool is_ours = serve((int)given[0], (unsigned long)given[1], argument, &error);
        (void)pthread_mutex_unlock(&mutex);
        if (error != 0) errno = error;
        if (is_ours) return error == 0 ? 0 : -1;
    }
    NEXT(next, "syscall");
    return next(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

int close(int fd)
{
    int (*next)(int fd);
    NEXT(next, "close");
    (void)pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < LINES && fd > 0; i++) {
        if (lines[i].fd != fd) continue;
        say("release", i, false);
        lines[i].fd = 0;
    }
    (void)pthread_mutex_unlock(&mutex);
    return next(fd);
}
