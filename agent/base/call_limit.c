/* Invariant: a timer exists exactly from start to stop and interrupts only the thread that
 * started it, so no other call in the process ever sees EINTR from here. */
#include "base/call_limit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id /* glibc 2.36 has the field, but not yet its name */
#define sigev_notify_thread_id _sigev_un._tid
#endif

static bool arm(struct call_limit *limit, int64_t interval_ms)
{
    struct itimerspec when = {.it_interval = {.tv_sec = (time_t)(interval_ms / 1000),
                                              .tv_nsec = (long)(interval_ms % 1000) * 1000000}};
    when.it_value = when.it_interval;
    return timer_settime(limit->timer, 0, &when, NULL) == 0;
}

/* That it was called is what ends the system call. */
static void on_signal(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)context;
    int kept_errno = errno;
    struct call_limit *limit = info->si_code == SI_TIMER ? info->si_value.sival_ptr : NULL;
    if (limit != NULL && limit->is_armed && --limit->rounds_left == 0)
        (void)arm(limit, CALL_LIMIT_HURRY_MS);
    errno = kept_errno;
}

static bool prepare_signal(void)
{
    struct sigaction action;
    sigset_t set;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO; /* without SA_RESTART */
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGURG);
    return sigaction(SIGURG, &action, NULL) == 0 && pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0;
}

bool call_limit_start(struct call_limit *limit, int64_t interval_ms, int64_t total_ms)
{
    limit->is_armed = false;
    limit->rounds_left = (int)(total_ms / interval_ms);
    struct sigevent event;
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGURG;
    event.sigev_value.sival_ptr = limit;
    event.sigev_notify_thread_id = gettid();
    if (!prepare_signal() || timer_create(CLOCK_MONOTONIC, &event, &limit->timer) != 0)
        return false;
    limit->is_armed = true;
    return arm(limit, interval_ms);
}

void call_limit_stop(struct call_limit *limit)
{
    if (limit->is_armed) (void)timer_delete(limit->timer);
    limit->is_armed = false;
}
