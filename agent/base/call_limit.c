/* Invariant: a timer exists exactly from start to stop and interrupts only the thread that
 * started it, so no other call in the process ever sees EINTR from here. */
#include "base/call_limit.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id /* glibc 2.36 has the field, but not yet its name */
#define sigev_notify_thread_id _sigev_un._tid
#endif

static void do_nothing(int signal_number)
{
    (void)signal_number; /* that it was called is what ends the system call */
}

static bool prepare_signal(void)
{
    struct sigaction action;
    sigset_t set;
    memset(&action, 0, sizeof action);
    action.sa_handler = do_nothing; /* without SA_RESTART */
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGURG);
    return sigaction(SIGURG, &action, NULL) == 0 && pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0;
}

bool call_limit_start(struct call_limit *limit, int64_t interval_ms)
{
    limit->is_armed = false;
    struct sigevent event;
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGURG;
    event.sigev_notify_thread_id = gettid();
    if (!prepare_signal() || timer_create(CLOCK_MONOTONIC, &event, &limit->timer) != 0)
        return false;
    struct itimerspec when = {.it_interval = {.tv_sec = (time_t)(interval_ms / 1000),
                                              .tv_nsec = (long)(interval_ms % 1000) * 1000000}};
    when.it_value = when.it_interval;
    limit->is_armed = true;
    return timer_settime(limit->timer, 0, &when, NULL) == 0;
}

void call_limit_stop(struct call_limit *limit)
{
    if (limit->is_armed) (void)timer_delete(limit->timer);
    limit->is_armed = false;
}
