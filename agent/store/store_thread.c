/* Invariant: delivered <= done <= queued <= delivered + STORE_JOBS, and the jobs are done in the
 * order in which they were added. */
#include "store/store_thread.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

_Static_assert((STORE_JOBS & (STORE_JOBS - 1)) == 0, "the counters wrap around with the ring");
_Static_assert(STORE_JOBS >= 1 + LANE_COUNT, "a commit and a fetch per lane fit");

enum {
    RETRY_FIRST_MS = 100,
    RETRY_MOST_MS = 5000,
    STOP_TRIES = 3,
    STACK_BYTES = 512 * 1024,
    TEND_JOBS = 2, /* after a commit: what had been asked for before, and the alarm in it */
    TEND_MS = 20   /* or when nothing was asked for so long */
};

enum status store_thread_init(struct store_thread *thread)
{
    memset(thread, 0, sizeof *thread);
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) return ST_NO_MEMORY;
    bool is_good = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                   pthread_mutex_init(&thread->mutex, NULL) == 0 &&
                   pthread_cond_init(&thread->for_store, &attributes) == 0 &&
                   pthread_cond_init(&thread->for_loop, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    return is_good ? ST_OK : ST_NO_MEMORY;
}

void store_thread_fini(struct store_thread *thread)
{
    (void)pthread_cond_destroy(&thread->for_loop);
    (void)pthread_cond_destroy(&thread->for_store);
    (void)pthread_mutex_destroy(&thread->mutex);
}

/* The duration of a commit is the disk's, so it is measured by the real clock in any case. */
static int64_t now_mono_ms(void)
{
    struct clock clock = clock_system();
    return clock_mono_ms(&clock);
}

static struct timespec time_after_ms(int64_t wait_ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(wait_ms / 1000);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    return until;
}

/* Waits before the next try, or until it is to stop.  Under the mutex. */
static void wait_before_retry(struct store_thread *thread, int64_t wait_ms)
{
    struct timespec until = time_after_ms(wait_ms);
    while (!thread->is_stopping &&
           pthread_cond_timedwait(&thread->for_store, &thread->mutex, &until) == 0)
        continue;
}

/* Notes a failed try; answers whether another one is wanted. */
static bool retry_commit(struct store_thread *thread, uint32_t attempt, enum status status)
{
    int64_t wait_ms = RETRY_FIRST_MS;
    for (uint32_t i = 0; i < attempt && wait_ms < RETRY_MOST_MS; i++) wait_ms *= 2;
    if (wait_ms > RETRY_MOST_MS) wait_ms = RETRY_MOST_MS;
    log_growing(&thread->log, LOG_LEVEL_ERROR, "store", "commit",
                "commit failed (%s): kept in memory and tried again in %" PRId64 " ms",
                status_text(status), wait_ms);
    (void)pthread_mutex_lock(&thread->mutex);
    bool was_stopping = thread->is_stopping;
    thread->counts.failed_commits++;
    thread->counts.is_failing = true;
    loop_wake_send(thread->wake);
    if (!was_stopping) wait_before_retry(thread, wait_ms);
    (void)pthread_mutex_unlock(&thread->mutex);
    return !was_stopping || attempt + 1 < STOP_TRIES;
}

static void do_commit(struct store_thread *thread, struct store_job *job)
{
    bool is_written = !batch_is_empty(job->batch);
    int64_t begin_mono_ms = now_mono_ms();
    uint32_t attempt = 0;
    enum status status = ST_OK;
    while (!thread->has_lost && (status = writer_commit(&thread->writer, job->batch)) != ST_OK &&
           retry_commit(thread, attempt, status))
        attempt++;
    if (status != ST_OK) thread->has_lost = true;
    job->is_lost = thread->has_lost;
    int64_t taken_ms = now_mono_ms() - begin_mono_ms;
    if (attempt > 0 && !job->is_lost)
        log_write(&thread->log, LOG_LEVEL_INFO, "store", "commits succeed again");
    (void)pthread_mutex_lock(&thread->mutex);
    if (is_written && !job->is_lost) {
        thread->counts.commits++;
        thread->counts.is_failing = false;
        thread->counts.last_commit_ms = taken_ms;
        if (taken_ms > thread->counts.longest_commit_ms)
            thread->counts.longest_commit_ms = taken_ms;
    }
    (void)pthread_mutex_unlock(&thread->mutex);
}

static void share_counts(struct store_thread *thread)
{
    struct store_counts counts;
    writer_count(&thread->writer, &counts);
    (void)pthread_mutex_lock(&thread->mutex);
    thread->counts.written = counts.written;
    thread->counts.acknowledged = counts.acknowledged;
    thread->counts.dropped = counts.dropped;
    thread->counts.merged = counts.merged;
    thread->counts.covered = counts.covered;
    thread->counts.merged_alarms = counts.merged_alarms;
    memcpy(thread->counts.waiting, counts.waiting, sizeof counts.waiting);
    thread->counts.next_seq = counts.next_seq;
    thread->counts.file_bytes = counts.file_bytes;
    thread->counts.journal_bytes = counts.journal_bytes;
    thread->counts.flash_bytes = counts.flash_bytes;
    thread->owed = thread->writer.state.owed;
    (void)pthread_mutex_unlock(&thread->mutex);
}

static void tend(struct store_thread *thread)
{
    if (thread->tend_after > 0) writer_tend(&thread->writer, now_mono_ms());
    thread->tend_after = 0;
}

/* What the writer wants after a commit may take long, so what the loop asks for upon the commit, an
 * alarm perhaps, goes before it. */
static void do_job(struct store_thread *thread, struct store_job *job)
{
    bool is_commit = job->kind == STORE_JOB_COMMIT;
    if (is_commit) tend(thread);
    if (is_commit)
        do_commit(thread, job);
    else
        job->count = writer_fetch(&thread->writer, job->lane, job->after, job->max,
                                  thread->fetched[job->lane]);
    share_counts(thread);
    (void)pthread_mutex_lock(&thread->mutex);
    thread->done++;
    (void)pthread_cond_signal(&thread->for_loop);
    (void)pthread_mutex_unlock(&thread->mutex);
    loop_wake_send(thread->wake);
    if (is_commit)
        thread->tend_after = TEND_JOBS;
    else if (thread->tend_after == 1)
        tend(thread);
    else if (thread->tend_after > 0)
        thread->tend_after--;
}

/* One step of making room, between jobs, so that none waits for long. */
static bool degrade(struct store_thread *thread)
{
    if (!writer_degrade(&thread->writer)) return false;
    share_counts(thread);
    loop_wake_send(thread->wake); /* the loop shows these counts */
    return true;
}

/* Until there is a job or the end has come; not for long while there is something else to do. */
static void wait_for_job(struct store_thread *thread, bool has_spare_work)
{
    bool is_tending_due = thread->tend_after > 0;
    struct timespec until = time_after_ms(TEND_MS);
    int result = has_spare_work && !is_tending_due ? ETIMEDOUT : 0;
    while (result == 0 && thread->done == thread->queued && !thread->is_quitting)
        result = is_tending_due ? pthread_cond_timedwait(&thread->for_store, &thread->mutex, &until)
                                : pthread_cond_wait(&thread->for_store, &thread->mutex);
}

static void *run(void *context)
{
    struct store_thread *thread = context;
    bool has_spare_work = true; /* until a step of it has gained nothing */
    for (;;) {
        (void)pthread_mutex_lock(&thread->mutex);
        wait_for_job(thread, has_spare_work);
        bool is_quitting = thread->is_quitting;
        bool has_job = thread->done != thread->queued;
        struct store_job *job = &thread->jobs[thread->done % STORE_JOBS];
        (void)pthread_mutex_unlock(&thread->mutex);
        if (has_job)
            do_job(thread, job);
        else if (is_quitting)
            return NULL;
        else
            tend(thread);
        has_spare_work = has_job || degrade(thread);
    }
}

enum status store_thread_start(struct store_thread *thread)
{
    share_counts(thread);
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return ST_NO_MEMORY;
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    /* Signals are the loop thread's. */
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread->thread, &attributes, run, thread);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    thread->is_started = error == 0;
    return error == 0 ? ST_OK : ST_NO_MEMORY;
}

void store_thread_add(struct store_thread *thread, const struct store_job *job)
{
    (void)pthread_mutex_lock(&thread->mutex);
    assert(thread->queued - thread->delivered < STORE_JOBS);
    thread->jobs[thread->queued % STORE_JOBS] = *job;
    thread->queued++;
    (void)pthread_cond_signal(&thread->for_store);
    (void)pthread_mutex_unlock(&thread->mutex);
}

bool store_thread_take(struct store_thread *thread, bool waits, struct store_job *job,
                       struct store_counts *counts)
{
    (void)pthread_mutex_lock(&thread->mutex);
    while (waits && thread->delivered == thread->done && thread->done != thread->queued)
        (void)pthread_cond_wait(&thread->for_loop, &thread->mutex);
    bool has_job = thread->delivered != thread->done;
    if (has_job) {
        *job = thread->jobs[thread->delivered % STORE_JOBS];
        thread->delivered++;
    }
    *counts = thread->counts;
    (void)pthread_mutex_unlock(&thread->mutex);
    return has_job;
}

void store_thread_look_at_owed(struct store_thread *thread, struct owed *owed)
{
    (void)pthread_mutex_lock(&thread->mutex);
    *owed = thread->owed;
    (void)pthread_mutex_unlock(&thread->mutex);
}

void store_thread_hurry(struct store_thread *thread)
{
    (void)pthread_mutex_lock(&thread->mutex);
    thread->is_stopping = true;
    (void)pthread_cond_signal(&thread->for_store);
    (void)pthread_mutex_unlock(&thread->mutex);
}

void store_thread_join(struct store_thread *thread)
{
    (void)pthread_mutex_lock(&thread->mutex);
    thread->is_quitting = true;
    (void)pthread_cond_signal(&thread->for_store);
    (void)pthread_mutex_unlock(&thread->mutex);
    (void)pthread_join(thread->thread, NULL);
    thread->is_started = false;
}
