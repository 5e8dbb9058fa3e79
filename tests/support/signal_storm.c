/* signal_storm: a shared library to be preloaded, under which a signal comes every millisecond and
 * every call that can be interrupted is, again and again: its handler asks for no restart. Programs
 * started by fork and exec are left in peace (timers do not survive a fork). */
#include <signal.h>
#include <stddef.h>
#include <sys/time.h>

static volatile sig_atomic_t storm_count;

static void on_alarm(int number)
{
    (void)number;
    storm_count = storm_count + 1;
}

__attribute__((constructor)) static void begin_storm(void)
{
    struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval every = {.it_interval.tv_usec = 1000, .it_value.tv_usec = 1000};
    (void)sigemptyset(&action.sa_mask);
    if (sigaction(SIGALRM, &action, NULL) == 0) (void)setitimer(ITIMER_REAL, &every, NULL);
}
