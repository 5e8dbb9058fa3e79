/* model: what devices usually do, learned offline and applied online.
 *
 * scripts/isotherm-learn makes the file from exported summaries; docs/alarms-learned.md describes
 * both.  Per device, or per pattern of devices, and hour of the day it holds the bands in which
 * values usually lie; a device that runs in several ways has several.  The model does not change
 * while it is in use.  Loop thread. */
#ifndef ISOTHERM_ALARM_MODEL_H
#define ISOTHERM_ALARM_MODEL_H

#include "alarm/band.h"
#include "alarm/model_scan.h"
#include "base/limits.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MODEL_VERSION = 1,
    MODEL_FILE_BYTES = 4 * 1024 * 1024, /* at most */
    MODEL_DEVICES = 4096,               /* entries at most */
    MODEL_BANDS = 8                     /* of an hour at most */
};

#define MODEL_NO_DEVICE SIZE_MAX

struct model_device {
    char devices[LIMIT_DEVICE_ID_SIZE]; /* an id or a pattern, see device_id_matches */
    uint32_t first[BAND_HOURS];         /* of the hour's bands */
    uint8_t count[BAND_HOURS];          /* 1 .. MODEL_BANDS */
};

struct model {
    int64_t utc_offset_ms; /* of the clock that the hours go by */
    struct model_device *devices;
    size_t device_count;
    struct band *bands;
    size_t band_count;
};

/* Reads the file, allocating what it needs.  ST_IO: it cannot be read; ST_INVALID: it is not a
 * model; ST_NO_MEMORY.  On failure the problem says why and the model is empty.  Release with
 * model_fini in any case. */
enum status model_load(struct model *model, const char *path,
                       struct model_problem *problem) ISOTHERM_CHECK;

/* The same from memory.  ST_INVALID, ST_NO_MEMORY. */
enum status model_parse(struct model *model, const char *bytes, size_t size,
                        struct model_problem *problem) ISOTHERM_CHECK;
void model_fini(struct model *model);

/* Bytes that the model has allocated. */
size_t model_size_bytes(const struct model *model);

/* The first entry that fits the id, or MODEL_NO_DEVICE.  Looks through all entries: ask once. */
size_t model_find_device(const struct model *model, const char *id);

/* The bands of that entry at that time; *count of them, at least one. */
const struct band *model_find_bands(const struct model *model, size_t device, int64_t event_ms,
                                    size_t *count);

#endif
