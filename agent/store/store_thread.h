/* store_thread: the hand-over between the loop thread and the store thread.
 *
 * One ring of jobs with three places in it: the loop thread adds at `queued`, the store thread
 * works at `done`, the loop thread hands out answers at `delivered`.  What a job points to belongs
 * to the store thread while delivered <= job < queued and job is not done.  Private to store/. */
#ifndef ISOTHERM_STORE_STORE_THREAD_H
#define ISOTHERM_STORE_STORE_THREAD_H

#include "base/status.h"
#include "store/batch.h"
#include "store/store.h"
#include "store/writer.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One commit and one fetch per lane can be on their way. */
enum { STORE_JOBS = 4 };

enum store_job_kind { STORE_JOB_COMMIT, STORE_JOB_FETCH };

struct store_job {
    enum store_job_kind kind;
    struct batch *batch; /* COMMIT */
    uint64_t ticket;     /* COMMIT */
    bool is_lost;        /* COMMIT: given up while stopping */
    enum lane lane;      /* FETCH */
    uint64_t after;      /* FETCH */
    size_t max, count;   /* FETCH */
};

struct store_thread {
    pthread_t thread;
    bool is_started;        /* loop thread only */
    struct loop_wake *wake; /* set before the start */

    pthread_mutex_t mutex;
    pthread_cond_t for_store; /* a job was added, or it is to stop */
    pthread_cond_t for_loop;  /* a job was done */

    /* Under the mutex. */
    struct store_job jobs[STORE_JOBS];
    unsigned queued, done, delivered; /* free-running */
    bool is_stopping;                 /* a commit that fails is tried a few times, not for ever */
    bool is_quitting;
    struct store_counts counts; /* as of the last job */
    struct owed owed;           /* likewise */

    /* Store thread while it runs, else the loop thread. */
    struct writer writer;
    struct log log;
    struct record fetched[LANE_COUNT][STORE_FETCH_MAX];
    bool has_lost; /* a commit was given up: those after it are as well */
    unsigned
        tend_after; /* so many jobs: the writer wants it since the last commit; 0: it does not */
};

/* ST_NO_MEMORY: the system has no mutexes.  Released with store_thread_fini, not while it runs. */
enum status store_thread_init(struct store_thread *thread) ISOTHERM_CHECK;
void store_thread_fini(struct store_thread *thread);

/* ST_NO_MEMORY: no thread can be had. */
enum status store_thread_start(struct store_thread *thread) ISOTHERM_CHECK;

/* Adds a job; there is always a place, see STORE_JOBS. */
void store_thread_add(struct store_thread *thread, const struct store_job *job);

/* Takes the next finished job, in the order in which they were added.  False: none is ready.
 * With `waits`: waits for it; false: none is on its way.  *counts is refreshed in any case. */
bool store_thread_take(struct store_thread *thread, bool waits, struct store_job *job,
                       struct store_counts *counts);

/* The notices that are owed, as of the last job. */
void store_thread_look_at_owed(struct store_thread *thread, struct owed *owed);

/* From now on commits fail rather than go on for ever. */
void store_thread_hurry(struct store_thread *thread);

/* Ends the thread after the jobs that were added. */
void store_thread_join(struct store_thread *thread);

#endif
