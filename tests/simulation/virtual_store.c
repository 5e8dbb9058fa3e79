/* Invariant: as in store_thread.c, delivered <= done <= queued <= delivered + STORE_JOBS. */
#include "simulation/virtual_store.h"

#include "simulation/virtual_time.h"
#include "store/store_thread.h"

#include <assert.h>
#include <string.h>

enum { RETRY_MS = 1000 };

static struct {
    struct store_thread *thread;
    struct virtual_event work, answer;
    struct virtual_store_hooks hooks;
} the_store;

void virtual_store_set_hooks(const struct virtual_store_hooks *hooks)
{
    memset(&the_store, 0, sizeof the_store);
    the_store.hooks = *hooks;
}

void virtual_store_crash(void)
{
    virtual_event_clear(&the_store.work);
    virtual_event_clear(&the_store.answer);
    if (the_store.thread != NULL) the_store.thread->is_started = false;
    the_store.thread = NULL;
}

static int64_t choose_delay_ms(void)
{
    return the_store.hooks.delay_ms(the_store.hooks.context);
}

static void on_answer(void *context)
{
    struct store_thread *thread = context;
    loop_wake_send(thread->wake);
}

/* False: it failed and is to be tried again. */
static bool commit(struct store_thread *thread, struct store_job *job)
{
    bool is_written = !batch_is_empty(job->batch);
    bool is_failing = !thread->is_stopping && the_store.hooks.fails(the_store.hooks.context);
    if (is_failing || writer_commit(&thread->writer, job->batch) != ST_OK) {
        thread->counts.failed_commits++;
        thread->counts.is_failing = true;
        return false;
    }
    thread->counts.is_failing = false;
    if (is_written) thread->counts.commits++;
    the_store.hooks.durable(the_store.hooks.context, job->ticket);
    return true;
}

static bool do_job(struct store_thread *thread)
{
    struct store_job *job = &thread->jobs[thread->done % STORE_JOBS];
    if (job->kind == STORE_JOB_COMMIT) {
        if (!commit(thread, job)) return false;
    } else {
        job->count = writer_fetch(&thread->writer, job->lane, job->after, job->max,
                                  thread->fetched[job->lane]);
    }
    thread->done++;
    struct store_counts counts = thread->counts;
    writer_count(&thread->writer, &counts);
    thread->counts = counts;
    if (job->kind == STORE_JOB_COMMIT) writer_tend(&thread->writer, virtual_time_now_ms());
    while (job->kind == STORE_JOB_COMMIT && writer_degrade(&thread->writer)) continue;
    return true;
}

static void on_work(void *context)
{
    struct store_thread *thread = context;
    if (!do_job(thread)) {
        virtual_event_set(&the_store.work, RETRY_MS, on_work, thread);
        return;
    }
    if (the_store.answer.place == 0)
        virtual_event_set(&the_store.answer, choose_delay_ms(), on_answer, thread);
    if (thread->done != thread->queued)
        virtual_event_set(&the_store.work, choose_delay_ms(), on_work, thread);
}

enum status store_thread_init(struct store_thread *thread)
{
    memset(thread, 0, sizeof *thread);
    return ST_OK;
}

void store_thread_fini(struct store_thread *thread)
{
    (void)thread;
}

enum status store_thread_start(struct store_thread *thread)
{
    writer_count(&thread->writer, &thread->counts);
    thread->is_started = true;
    the_store.thread = thread;
    return ST_OK;
}

void store_thread_add(struct store_thread *thread, const struct store_job *job)
{
    assert(thread->queued - thread->delivered < STORE_JOBS);
    thread->jobs[thread->queued % STORE_JOBS] = *job;
    thread->queued++;
    if (the_store.work.place == 0)
        virtual_event_set(&the_store.work, choose_delay_ms(), on_work, thread);
}

bool store_thread_take(struct store_thread *thread, bool waits, struct store_job *job,
                       struct store_counts *counts)
{
    while (waits && thread->delivered == thread->done && thread->done != thread->queued)
        (void)do_job(thread);
    bool has_job = thread->delivered != thread->done;
    if (has_job) {
        *job = thread->jobs[thread->delivered % STORE_JOBS];
        thread->delivered++;
    }
    *counts = thread->counts;
    return has_job;
}

void store_thread_look_at_owed(struct store_thread *thread, struct owed *owed)
{
    *owed = thread->writer.state.owed;
}

void store_thread_hurry(struct store_thread *thread)
{
    thread->is_stopping = true;
}

void store_thread_join(struct store_thread *thread)
{
    while (thread->done != thread->queued) (void)do_job(thread);
    virtual_store_crash();
}
