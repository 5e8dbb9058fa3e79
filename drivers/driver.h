/* driver: what a source of readings must be able to do.
 *
 * A driver is one `const struct driver` at the foot of its file, plus one line in registry.c and
 * one in CMakeLists.txt.  It decodes bytes only with pure decode_* functions, checks in a fixed
 * order (length, frame, checksum, types, range, time) and then offers the reading to its intake.
 * No mutable static variables: one driver may run twice.  Nothing blocks; no thread of its own
 * (blocking calls go to the loop's pool).  Loop thread only. */
#ifndef ISOTHERM_DRIVER_H
#define ISOTHERM_DRIVER_H

#include "base/field.h"
#include "base/status.h"
#include "intake.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct driver {
    const char *name;  /* as written in the configuration, e.g. "mqtt" */
    const char *help;  /* one line */
    bool is_compiled;  /* false: left out of this build; only the name and the help stand */
    size_t state_size; /* bytes of private state; allocated and zeroed by the core */
    size_t options_size;
    const struct field_table *options; /* fills the options struct */

    /* Whether the source can wait for an acknowledgement (MQTT QoS 1, confirmable CoAP). */
    bool can_wait;

    /* Acknowledgements leave all together, so that the core calls pause() when a commit begins
     * that holds readings of this source and, after it, durable() and resume(). */
    bool pauses_for_commit;

    /* Optional: how many inputs the source may have under way, taken and not acknowledged, at the
     * same time; so many keys are remembered for it (intake_remember).  NULL: none. */
    size_t (*repeat_keys)(const void *options);

    /* Optional: after how many readings the source asks for a commit of its own accord, since it
     * waits for acknowledgements.  NULL: never. */
    size_t (*commit_readings)(const void *options);

    /* Optional: bytes that open allocates beside the state.  NULL: none. */
    size_t (*open_bytes)(const void *options);

    /* Begins to take from the source.  `options` stays valid until close.  Must not block and
     * must not wait for the source: one that is not there is tried again by the driver itself,
     * with a clear line through intake_report_connected.  On failure leaves the state such that
     * close is safe.  ST_INVALID: the options cannot work; ST_NO_MEMORY, ST_FULL: no resources. */
    enum status (*open)(void *state, struct intake *intake, const void *options);

    /* Releases everything and calls nothing back afterwards, except the end of pool work that is
     * already running (which must then only clean up; the state stays allocated until the loop
     * has closed).  Also called once after a failed open, and safe to call twice. */
    void (*close)(void *state);

    /* Every reading up to `ticket` is committed: acknowledge to the source what is covered.
     * Required when can_wait. */
    void (*durable)(void *state, uint64_t ticket);

    /* Stop and restart taking from the source.  NULL: the core answers offers with VERDICT_BUSY. */
    void (*pause)(void *state);
    void (*resume)(void *state);

    /* Optional: tries one payload against the mappings without a source, for `isotherm decode`.
     * `address` is what the source would add (a topic, a CoAP path; "" if none).  Calls found()
     * for each reading and returns the verdict for the whole.  Refused, *detail (NULL before) may
     * become a static text that says what was wrong. */
    enum verdict (*decode)(const void *options, const char *address, const char *payload,
                           size_t size, int64_t now_wall_ms,
                           void (*found)(void *context, const struct reading *reading),
                           void *context, const char **detail);
};

/* All drivers this program knows of, compiled in or not, ended by NULL. */
const struct driver *const *registry_list(void);

/* The driver of that name, or NULL. */
const struct driver *registry_find(const char *name);

/* Holds the rules a driver must keep against each entry (hooks, unique names, sane options).
 * ST_INVALID and *problem (static text) when one is broken: a bug of ours. */
enum status registry_check(const char **problem) ISOTHERM_CHECK;

/* The same for another list, ended by NULL. */
enum status registry_check_list(const struct driver *const *list,
                                const char **problem) ISOTHERM_CHECK;

#endif
