/* Invariant: the level given with the request is in force from the moment the line is ours, so an
 * output never shows another one in between. */
#include "action/gpio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef GPIO_V2_GET_LINE_IOCTL

/* ioctl takes the number as unsigned long in glibc and as int in musl; the kernel as it is here. */
static int request_of(int fd, unsigned long number, void *argument)
{
    return (int)syscall(SYS_ioctl, fd, number, argument);
}

int gpio_open_line(const char *chip, uint32_t line, bool is_active_low, bool is_on)
{
    int chip_fd = open(chip, O_RDWR | O_CLOEXEC);
    if (chip_fd < 0) return -1;
    struct gpio_v2_line_request request;
    memset(&request, 0, sizeof request);
    request.offsets[0] = line;
    request.num_lines = 1;
    memcpy(request.consumer, "isotherm", sizeof "isotherm");
    request.config.flags = GPIO_V2_LINE_FLAG_OUTPUT;
    if (is_active_low) request.config.flags |= GPIO_V2_LINE_FLAG_ACTIVE_LOW;
    request.config.num_attrs = 1;
    request.config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES;
    request.config.attrs[0].attr.values = is_on ? 1 : 0;
    request.config.attrs[0].mask = 1;
    int rc = request_of(chip_fd, GPIO_V2_GET_LINE_IOCTL, &request);
    int error = errno;
    (void)close(chip_fd);
    errno = error;
    if (rc < 0) return -1;
    (void)fcntl(request.fd, F_SETFD, FD_CLOEXEC);
    return request.fd;
}

int gpio_set_line(int line_fd, bool is_on)
{
    struct gpio_v2_line_values values = {.bits = is_on ? 1 : 0, .mask = 1};
    return request_of(line_fd, GPIO_V2_LINE_SET_VALUES_IOCTL, &values) < 0 ? -1 : 0;
}

#else

int gpio_open_line(const char *chip, uint32_t line, bool is_active_low, bool is_on)
{
    (void)chip;
    (void)line;
    (void)is_active_low;
    (void)is_on;
    errno = ENOSYS;
    return -1;
}

int gpio_set_line(int line_fd, bool is_on)
{
    (void)line_fd;
    (void)is_on;
    errno = ENOSYS;
    return -1;
}

#endif
