/* Invariant: a slot of a pool is free only after libuv has said that it forgot the handle. */
#include "base/loop.h"

#include "base/limits.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

enum { WAKES = 8, SIGNALS = 8, WORKS = 64, PROCESSES = 16, FIRST_OWN_FD = 3, MOST_FDS = 4096 };

enum slot_state { SLOT_FREE = 0, SLOT_USED, SLOT_CLOSING };

struct loop_watch {
    uv_poll_t handle;
    enum slot_state state;
    int fd;
    loop_watch_fn *fn;
    void *context;
};

struct loop_timer {
    uv_timer_t handle;
    enum slot_state state;
    loop_fn *fn;
    void *context;
};

struct loop_wake {
    uv_async_t handle;
    enum slot_state state;
    loop_fn *fn;
    void *context;
};

struct loop_signal {
    uv_signal_t handle;
    enum slot_state state;
    loop_signal_fn *fn;
    void *context;
};

struct loop_work {
    uv_work_t handle;
    enum slot_state state;
    loop_work_fn *work;
    loop_fn *done;
    void *request;
};

struct loop_process {
    uv_process_t handle;
    enum slot_state state;
    loop_exit_fn *fn;
    void *context;
};

struct loop {
    uv_loop_t uv;
    struct loop_watch watches[LIMIT_WATCHES];
    struct loop_timer timers[LIMIT_TIMERS];
    struct loop_wake wakes[WAKES];
    struct loop_signal signals[SIGNALS];
    struct loop_work works[WORKS];
    struct loop_process processes[PROCESSES];
    uv_timer_t patience; /* of loop_finish */
    bool is_out_of_patience;
};

enum status loop_open(struct loop **loop)
{
    *loop = calloc(1, sizeof **loop);
    if (*loop == NULL) return ST_NO_MEMORY;
    if (uv_loop_init(&(*loop)->uv) != 0) {
        free(*loop);
        *loop = NULL;
        return ST_NO_MEMORY;
    }
    (*loop)->uv.data = *loop;
    return ST_OK;
}

size_t loop_size_bytes(void)
{
    return sizeof(struct loop);
}

static void close_any(uv_handle_t *handle, void *context)
{
    (void)context;
    if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

static void on_patience(uv_timer_t *handle)
{
    ((struct loop *)handle->data)->is_out_of_patience = true;
}

bool loop_finish(struct loop *loop, int64_t limit_ms)
{
    if (loop == NULL) return true;
    uv_walk(&loop->uv, close_any, NULL);
    for (size_t i = 0; i < WORKS; i++)
        if (loop->works[i].state == SLOT_USED) /* refused when it runs already */
            (void)uv_cancel((uv_req_t *)&loop->works[i].handle);
    (void)uv_timer_init(&loop->uv, &loop->patience);
    loop->patience.data = loop;
    uv_update_time(&loop->uv);
    (void)uv_timer_start(&loop->patience, on_patience, (uint64_t)limit_ms, 0);
    uv_unref((uv_handle_t *)&loop->patience);
    while (!loop->is_out_of_patience && uv_run(&loop->uv, UV_RUN_ONCE) != 0) continue;
    if (loop->is_out_of_patience && uv_loop_alive(&loop->uv)) return false;
    uv_close((uv_handle_t *)&loop->patience, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(&loop->uv);
    free(loop);
    return true;
}

void loop_close(struct loop *loop)
{
    (void)loop_finish(loop, INT32_MAX);
}

void loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_run_once(struct loop *loop, bool waits)
{
    uv_run(&loop->uv, waits ? UV_RUN_ONCE : UV_RUN_NOWAIT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct loop_watch *watch = handle->data;
    unsigned bits = 0;
    if (status < 0) bits |= LOOP_HANGUP | LOOP_READABLE;
    if (events & UV_READABLE) bits |= LOOP_READABLE;
    if (events & UV_WRITABLE) bits |= LOOP_WRITABLE;
    if (events & UV_DISCONNECT) bits |= LOOP_HANGUP;
    if (watch->state == SLOT_USED) watch->fn(watch->context, watch->fd, bits);
}

struct loop_watch *loop_watch_start(struct loop *loop, int fd, unsigned events, loop_watch_fn *fn,
                                    void *context)
{
    for (size_t i = 0; i < LIMIT_WATCHES; i++) {
        struct loop_watch *watch = &loop->watches[i];
        if (watch->state != SLOT_FREE) continue;
        if (uv_poll_init(&loop->uv, &watch->handle, fd) != 0) return NULL;
        watch->handle.data = watch;
        watch->state = SLOT_USED;
        watch->fd = fd;
        watch->fn = fn;
        watch->context = context;
        loop_watch_update(watch, events);
        return watch;
    }
    return NULL;
}

void loop_watch_update(struct loop_watch *watch, unsigned events)
{
    int bits = 0;
    if (events & LOOP_READABLE) bits |= UV_READABLE;
    if (events & LOOP_WRITABLE) bits |= UV_WRITABLE;
    if (events & LOOP_HANGUP) bits |= UV_DISCONNECT;
    if (bits == 0)
        (void)uv_poll_stop(&watch->handle);
    else
        (void)uv_poll_start(&watch->handle, bits, on_poll);
}

static void watch_closed(uv_handle_t *handle)
{
    ((struct loop_watch *)handle->data)->state = SLOT_FREE;
}

void loop_watch_stop(struct loop_watch **watch)
{
    if (*watch == NULL) return;
    (*watch)->state = SLOT_CLOSING;
    uv_close((uv_handle_t *)&(*watch)->handle, watch_closed);
    *watch = NULL;
}

static void on_timer(uv_timer_t *handle)
{
    struct loop_timer *timer = handle->data;
    if (timer->state == SLOT_USED) timer->fn(timer->context);
}

struct loop_timer *loop_timer_start(struct loop *loop, int64_t delay_ms, int64_t repeat_ms,
                                    loop_fn *fn, void *context)
{
    for (size_t i = 0; i < LIMIT_TIMERS; i++) {
        struct loop_timer *timer = &loop->timers[i];
        if (timer->state != SLOT_FREE) continue;
        (void)uv_timer_init(&loop->uv, &timer->handle);
        timer->handle.data = timer;
        timer->state = SLOT_USED;
        timer->fn = fn;
        timer->context = context;
        loop_timer_again(timer, delay_ms, repeat_ms);
        return timer;
    }
    return NULL;
}

void loop_timer_again(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms)
{
    if (delay_ms < 0) delay_ms = 0;
    uv_update_time(timer->handle.loop);
    (void)uv_timer_start(&timer->handle, on_timer, (uint64_t)delay_ms, (uint64_t)repeat_ms);
}

static void timer_closed(uv_handle_t *handle)
{
    ((struct loop_timer *)handle->data)->state = SLOT_FREE;
}

void loop_timer_stop(struct loop_timer **timer)
{
    if (*timer == NULL) return;
    (*timer)->state = SLOT_CLOSING;
    uv_close((uv_handle_t *)&(*timer)->handle, timer_closed);
    *timer = NULL;
}

static void on_wake(uv_async_t *handle)
{
    struct loop_wake *wake = handle->data;
    if (wake->state == SLOT_USED) wake->fn(wake->context);
}

struct loop_wake *loop_wake_start(struct loop *loop, loop_fn *fn, void *context)
{
    for (size_t i = 0; i < WAKES; i++) {
        struct loop_wake *wake = &loop->wakes[i];
        if (wake->state != SLOT_FREE) continue;
        if (uv_async_init(&loop->uv, &wake->handle, on_wake) != 0) return NULL;
        wake->handle.data = wake;
        wake->state = SLOT_USED;
        wake->fn = fn;
        wake->context = context;
        return wake;
    }
    return NULL;
}

void loop_wake_send(struct loop_wake *wake)
{
    (void)uv_async_send(&wake->handle);
}

static void wake_closed(uv_handle_t *handle)
{
    ((struct loop_wake *)handle->data)->state = SLOT_FREE;
}

void loop_wake_stop(struct loop_wake **wake)
{
    if (*wake == NULL) return;
    (*wake)->state = SLOT_CLOSING;
    uv_close((uv_handle_t *)&(*wake)->handle, wake_closed);
    *wake = NULL;
}

static void on_signal(uv_signal_t *handle, int signal_number)
{
    struct loop_signal *entry = handle->data;
    entry->fn(entry->context, signal_number);
}

enum status loop_signal_start(struct loop *loop, int signal_number, loop_signal_fn *fn,
                              void *context)
{
    for (size_t i = 0; i < SIGNALS; i++) {
        struct loop_signal *entry = &loop->signals[i];
        if (entry->state != SLOT_FREE) continue;
        if (uv_signal_init(&loop->uv, &entry->handle) != 0) return ST_IO;
        entry->handle.data = entry;
        entry->state = SLOT_USED;
        entry->fn = fn;
        entry->context = context;
        return uv_signal_start(&entry->handle, on_signal, signal_number) == 0 ? ST_OK : ST_IO;
    }
    return ST_FULL;
}

static void work_run(uv_work_t *handle)
{
    struct loop_work *entry = handle->data;
    entry->work(entry->request);
}

static void work_done(uv_work_t *handle, int status)
{
    (void)status;
    struct loop_work *entry = handle->data;
    entry->state = SLOT_FREE;
    entry->done(entry->request);
}

enum status loop_pool_run(struct loop *loop, loop_work_fn *work, loop_fn *done, void *request)
{
    for (size_t i = 0; i < WORKS; i++) {
        struct loop_work *entry = &loop->works[i];
        if (entry->state != SLOT_FREE) continue;
        entry->state = SLOT_USED;
        entry->work = work;
        entry->done = done;
        entry->request = request;
        entry->handle.data = entry;
        if (uv_queue_work(&loop->uv, &entry->handle, work_run, work_done) == 0) return ST_OK;
        entry->state = SLOT_FREE;
        return ST_FULL;
    }
    return ST_FULL;
}

static void process_closed(uv_handle_t *handle)
{
    ((struct loop_process *)handle->data)->state = SLOT_FREE;
}

static void on_exit_of_process(uv_process_t *handle, int64_t exit_code, int term_signal)
{
    struct loop_process *process = handle->data;
    bool is_wanted = process->state == SLOT_USED;
    process->state = SLOT_CLOSING;
    if (!uv_is_closing((uv_handle_t *)handle)) uv_close((uv_handle_t *)handle, process_closed);
    if (is_wanted) process->fn(process->context, (int)exit_code, term_signal);
}

/* Libraries open descriptors of which we do not know; a program must not hold our sockets open. */
static void keep_descriptors(void)
{
    long limit = sysconf(_SC_OPEN_MAX);
    if (limit < 0 || limit > MOST_FDS) limit = MOST_FDS;
    for (int fd = FIRST_OWN_FD; fd < (int)limit; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags >= 0 && (flags & FD_CLOEXEC) == 0) (void)fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
    }
}

static struct loop_process *find_free_process(struct loop *loop)
{
    for (size_t i = 0; i < PROCESSES; i++)
        if (loop->processes[i].state == SLOT_FREE) return &loop->processes[i];
    return NULL;
}

enum status loop_process_start(struct loop *loop, struct loop_process **result,
                               const char *const *argv, const char *const *environment,
                               loop_exit_fn *fn, void *context, int *error)
{
    struct loop_process *process = find_free_process(loop);
    *result = NULL;
    if (process == NULL) return ST_FULL;
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
    };
    const uv_process_options_t options = {
        .exit_cb = on_exit_of_process,
        .file = argv[0],
        .args = (char **)(uintptr_t)argv, /* libuv writes to neither, but does not say so */
        .env = (char **)(uintptr_t)environment,
        .flags = UV_PROCESS_DETACHED,
        .stdio = stdio,
        .stdio_count = sizeof stdio / sizeof *stdio,
    };
    keep_descriptors();
    process->state = SLOT_USED;
    process->fn = fn;
    process->context = context;
    process->handle.data = process;
    int rc = uv_spawn(&loop->uv, &process->handle, &options);
    if (rc == 0) {
        *result = process;
        return ST_OK;
    }
    *error = -rc;
    process->state = SLOT_CLOSING;
    uv_close((uv_handle_t *)&process->handle, process_closed);
    return ST_IO;
}

void loop_process_signal(struct loop_process *process, int signal_number)
{
    if (process->handle.pid > 0) (void)kill(-process->handle.pid, signal_number);
}

void loop_process_kill(struct loop_process **process)
{
    if (*process == NULL) return;
    loop_process_signal(*process, SIGKILL);
    (*process)->state = SLOT_CLOSING;
    *process = NULL;
}
