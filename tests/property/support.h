/* support: random numbers, a sink that keeps everything, and the ledger, for the property tests.
 * A failure prints the seed; ISOTHERM_SEED=seed repeats it, ISOTHERM_BUDGET=n makes them n times as
 * many. */
#ifndef ISOTHERM_TESTS_PROPERTY_SUPPORT_H
#define ISOTHERM_TESTS_PROPERTY_SUPPORT_H

#include "stream/stream.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* From low to high, both included. */
static inline int64_t random_between(struct random *random, int64_t low, int64_t high)
{
    return low + (int64_t)(random_next(random) % ((uint64_t)(high - low) + 1));
}

static inline uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

/* Calls fn with one seed after another; the first one is printed before a failure can come. */
static inline void repeat(uint64_t budget, void (*fn)(struct random *random))
{
    uint64_t first = number_from("ISOTHERM_SEED", 1);
    budget *= number_from("ISOTHERM_BUDGET", 1);
    for (uint64_t i = 0; i < budget; i++) {
        struct random random = {.state = first + i};
        printf("seed %" PRIu64 "\n", first + i);
        fflush(stdout);
        fn(&random);
    }
}

struct entry {
    size_t size;
    unsigned char bytes[STREAM_JOURNAL_BYTES];
};

struct capture {
    struct record *records;
    size_t record_count, record_capacity;
    struct entry *entries;
    size_t entry_count, entry_capacity;
    size_t room;  /* of a batch; 0: no limit */
    size_t used;  /* of the batch */
    size_t asked; /* the most room asked for */
};

static inline bool capture_has_room(void *context, size_t bytes)
{
    struct capture *capture = context;
    if (bytes > capture->asked) capture->asked = bytes;
    return capture->room == 0 || capture->used + bytes <= capture->room;
}

static inline void capture_emit(void *context, struct record *record)
{
    struct capture *capture = context;
    if (capture->record_count == capture->record_capacity) {
        capture->record_capacity = capture->record_capacity * 2 + 64;
        capture->records =
            realloc(capture->records, capture->record_capacity * sizeof *capture->records);
        assert_non_null(capture->records);
    }
    record->seq = capture->record_count + 1;
    capture->records[capture->record_count++] = *record;
    capture->used += STREAM_RECORD_BYTES;
    assert_true(capture->room == 0 || capture->used <= capture->room);
}

static inline void capture_journal(void *context, const void *bytes, size_t size)
{
    struct capture *capture = context;
    assert_true(size <= STREAM_JOURNAL_BYTES);
    if (capture->entry_count == capture->entry_capacity) {
        capture->entry_capacity = capture->entry_capacity * 2 + 64;
        capture->entries =
            realloc(capture->entries, capture->entry_capacity * sizeof *capture->entries);
        assert_non_null(capture->entries);
    }
    struct entry *entry = &capture->entries[capture->entry_count++];
    entry->size = size;
    memcpy(entry->bytes, bytes, size);
    capture->used += size;
    assert_true(capture->room == 0 || capture->used <= capture->room);
}

static inline void capture_release(struct capture *capture)
{
    free(capture->records);
    free(capture->entries);
    *capture = (struct capture){0};
}

static inline struct stream_sink capture_sink(struct capture *capture)
{
    return (struct stream_sink){.has_room = capture_has_room,
                                .emit = capture_emit,
                                .journal = capture_journal,
                                .context = capture};
}

static inline struct stream *open_stream(const struct stream_options *options,
                                         struct capture *capture)
{
    struct stream_sink sink = capture_sink(capture);
    struct stream *stream = NULL;
    assert_int_equal(stream_open(&stream, options, &sink), ST_OK);
    return stream;
}

static inline bool is_tumbling(const struct window_spec *spec)
{
    return spec->size_ms == spec->every_ms && spec->size_count == spec->every_count;
}

/* accepted = published + open + missed, for every tumbling kind of window. */
static inline void assert_ledger(const struct stream *stream, const struct stream_options *options)
{
    struct stream_counts counts = stream_count(stream);
    for (size_t i = 0; i < options->window_count; i++) {
        if (!is_tumbling(&options->windows[i])) continue;
        assert_int_equal(counts.accepted, counts.windows[i].published + counts.windows[i].open +
                                              counts.windows[i].missed);
    }
}

#endif
