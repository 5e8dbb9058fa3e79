/* loop: a thin face over libuv: descriptors, timers, wake-ups, signals, pool work, processes.
 *
 * All handles come from fixed pools inside the loop, so nothing is allocated by us after
 * loop_open and a handle may be stopped inside its own callback.  Loop thread only, except
 * loop_wake_send. */
#ifndef ISOTHERM_BASE_LOOP_H
#define ISOTHERM_BASE_LOOP_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct loop_watch;
struct loop_timer;
struct loop_wake;
struct loop_process;

enum { LOOP_READABLE = 1, LOOP_WRITABLE = 2, LOOP_HANGUP = 4 };

typedef void loop_watch_fn(void *context, int fd, unsigned events); /* events: LOOP_* bits */
typedef void loop_fn(void *context);
typedef void loop_signal_fn(void *context, int signal_number);
typedef void loop_work_fn(void *request); /* pool thread: touches nothing but the request */

/* ST_NO_MEMORY when it cannot be had.  The caller releases it with loop_close. */
enum status loop_open(struct loop **loop) ISOTHERM_CHECK;

/* Bytes that loop_open allocates. */
size_t loop_size_bytes(void);

/* Stops every handle, lets running pool work end, frees the loop.  NULL does nothing. */
void loop_close(struct loop *loop);

/* As loop_close, but waits for pool work at most limit_ms.  False: some still runs, so the loop
 * and the requests of that work stay, and the process has to end with _exit: exit() would wait
 * for the pool. */
bool loop_finish(struct loop *loop, int64_t limit_ms);

/* Runs until loop_stop.  May be called again afterwards. */
void loop_run(struct loop *loop);

/* Handles what is ready and returns; waits for it at most until the first timer when `waits`. */
void loop_run_once(struct loop *loop, bool waits);
void loop_stop(struct loop *loop);

/* Watches `fd` (kept open by the caller until after loop_watch_stop) for LOOP_* events.
 * NULL when the pool is used up or the descriptor cannot be watched. */
struct loop_watch *loop_watch_start(struct loop *loop, int fd, unsigned events, loop_watch_fn *fn,
                                    void *context);

/* Changes the events; 0 keeps the handle but hears nothing. */
void loop_watch_update(struct loop_watch *watch, unsigned events);

/* Ends the watch and sets *watch to NULL.  Does nothing when it is NULL already. */
void loop_watch_stop(struct loop_watch **watch);

/* Calls fn after delay_ms, then each repeat_ms (0: once; the handle is then still to be stopped
 * or re-armed).  NULL when the pool is used up. */
struct loop_timer *loop_timer_start(struct loop *loop, int64_t delay_ms, int64_t repeat_ms,
                                    loop_fn *fn, void *context);
void loop_timer_again(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms);
void loop_timer_stop(struct loop_timer **timer);

/* A way for another thread to have fn called in the loop thread; several sends may become one
 * call.  NULL when the pool is used up. */
struct loop_wake *loop_wake_start(struct loop *loop, loop_fn *fn, void *context);
void loop_wake_send(struct loop_wake *wake); /* any thread */
void loop_wake_stop(struct loop_wake **wake);

/* Calls fn in the loop thread for a signal.  ST_FULL when the pool is used up, ST_IO when the
 * signal cannot be caught. */
enum status loop_signal_start(struct loop *loop, int signal_number, loop_signal_fn *fn,
                              void *context) ISOTHERM_CHECK;

/* Runs work(request) in a pool thread, then done(request) in the loop thread.  The request stays
 * the caller's and must live until done was called, also when the caller has lost interest.
 * ST_FULL when too much is running. */
enum status loop_pool_run(struct loop *loop, loop_work_fn *work, loop_fn *done,
                          void *request) ISOTHERM_CHECK;

/* How a process ended: by exit, or by a signal (then the exit code says nothing). */
typedef void loop_exit_fn(void *context, int exit_code, int term_signal);

/* Starts argv[0] (a path; NULL ends argv) without a shell, as the leader of its own process group,
 * with exactly that environment, nothing to read, its output thrown away and its errors where ours
 * go; no descriptor of ours is passed on.  fn is called when it has ended; the handle is then gone.
 * ST_FULL: too many run; ST_IO: cannot be started, *error is the errno; *process is then NULL. */
enum status loop_process_start(struct loop *loop, struct loop_process **process,
                               const char *const *argv, const char *const *environment,
                               loop_exit_fn *fn, void *context, int *error) ISOTHERM_CHECK;

/* Sends a signal to the whole process group. */
void loop_process_signal(struct loop_process *process, int signal_number);

/* Kills the group and forgets it; fn is not called.  Sets *process to NULL; nothing when it is. */
void loop_process_kill(struct loop_process **process);

#endif
