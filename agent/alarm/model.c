/* Invariant: a model is read twice by the same functions, first to count and then to fill, so that
 * what is allocated is what is used.  A model that was loaded has at least one band for every hour
 * of every entry. */
#include "alarm/model.h"

#include "base/device_id.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MICRO INT64_C(1000000)
#define HOUR_MS INT64_C(3600000)

enum { KEY_SIZE = 24, NOTE_SIZE = 256, OFFSET_HOURS_MAX = 14 };

static void add_band(struct model *model, const struct band *band)
{
    if (model->bands != NULL) model->bands[model->band_count] = *band;
    model->band_count++;
}

/* [low, usual, high] */
static void read_band(struct model_scan *scan, struct band *band)
{
    model_scan_take(scan, '[');
    band->low_micro = model_scan_micro(scan);
    model_scan_take(scan, ',');
    band->usual_micro = model_scan_micro(scan);
    model_scan_take(scan, ',');
    band->high_micro = model_scan_micro(scan);
    model_scan_take(scan, ']');
    if (band->low_micro >= band->usual_micro || band->usual_micro >= band->high_micro)
        model_scan_fail(scan, "a band is [low, usual, high] in rising order");
}

/* [[low, usual, high], ...] */
static uint8_t read_hour(struct model_scan *scan, struct model *model)
{
    uint8_t count = 0;
    bool is_first = true;
    int64_t floor_micro = INT64_MIN;
    model_scan_take(scan, '[');
    while (model_scan_next(scan, ']', &is_first)) {
        struct band band = {.deviation_micro = 0};
        read_band(scan, &band);
        if (band.low_micro < floor_micro)
            model_scan_fail(scan, "the bands of an hour must rise and not overlap");
        if (count == MODEL_BANDS) model_scan_fail(scan, "an hour has at most 8 bands");
        if (scan->has_failed) return 0;
        floor_micro = band.high_micro;
        add_band(model, &band);
        count++;
    }
    if (count == 0) model_scan_fail(scan, "an hour needs at least one band");
    return count;
}

_Static_assert(MODEL_BANDS == 8, "said in read_hour");

/* Bands for each hour, or once for all. */
static void read_hours(struct model_scan *scan, struct model *model, struct model_device *device)
{
    unsigned hour = 0;
    bool is_first = true;
    model_scan_take(scan, '[');
    while (model_scan_next(scan, ']', &is_first)) {
        if (hour == BAND_HOURS) {
            model_scan_fail(scan, "hours: a day has 24 of them");
            return;
        }
        device->first[hour] = (uint32_t)model->band_count;
        device->count[hour] = read_hour(scan, model);
        hour++;
    }
    if (hour != 1 && hour != BAND_HOURS)
        model_scan_fail(scan, "hours: 24 are needed, or 1 for all");
    for (; hour < BAND_HOURS; hour++) {
        device->first[hour] = device->first[0];
        device->count[hour] = device->count[0];
    }
}

static void read_device(struct model_scan *scan, struct model *model)
{
    struct model_device device = {.devices = ""};
    char key[KEY_SIZE];
    bool is_first = true, has_hours = false;
    model_scan_take(scan, '{');
    while (model_scan_next(scan, '}', &is_first)) {
        model_scan_string(scan, key, sizeof key);
        model_scan_take(scan, ':');
        if (strcmp(key, "devices") == 0 && device.devices[0] == '\0') {
            model_scan_string(scan, device.devices, sizeof device.devices);
        } else if (strcmp(key, "hours") == 0 && !has_hours) {
            read_hours(scan, model, &device);
            has_hours = true;
        } else if (strcmp(key, "summaries") == 0) {
            (void)model_scan_micro(scan); /* for people */
        } else {
            model_scan_fail(scan, "the keys here are devices, hours and summaries, each once");
        }
    }
    if (device.devices[0] == '\0') model_scan_fail(scan, "devices: an id or pattern is needed");
    if (!has_hours) model_scan_fail(scan, "hours: they are missing");
    if (model->device_count == MODEL_DEVICES)
        model_scan_fail(scan, "too many entries: 4096 at most");
    if (scan->has_failed) return;
    for (size_t i = 0; model->devices != NULL && i < model->device_count; i++) {
        if (strcmp(model->devices[i].devices, device.devices) != 0) continue;
        model_scan_fail(scan, "devices: there is an entry for these already");
        return;
    }
    if (model->devices != NULL) model->devices[model->device_count] = device;
    model->device_count++;
}

_Static_assert(MODEL_DEVICES == 4096, "said in read_device");

static void read_devices(struct model_scan *scan, struct model *model)
{
    bool is_first = true;
    model_scan_take(scan, '[');
    while (model_scan_next(scan, ']', &is_first)) read_device(scan, model);
}

static void read_offset(struct model_scan *scan, struct model *model)
{
    int64_t offset_micro = model_scan_micro(scan);
    if (offset_micro > OFFSET_HOURS_MAX * HOUR_MICRO ||
        offset_micro < -OFFSET_HOURS_MAX * HOUR_MICRO)
        model_scan_fail(scan, "utc_offset: is in hours, -14 to 14");
    model->utc_offset_ms = offset_micro * HOUR_MS / HOUR_MICRO;
}

static void read_model(struct model_scan *scan, struct model *model)
{
    char key[KEY_SIZE], note[NOTE_SIZE];
    bool is_first = true, has_version = false;
    model->device_count = model->band_count = 0;
    model_scan_take(scan, '{');
    while (model_scan_next(scan, '}', &is_first)) {
        model_scan_string(scan, key, sizeof key);
        model_scan_take(scan, ':');
        if (strcmp(key, "isotherm_model") == 0) {
            if (model_scan_micro(scan) != MODEL_VERSION * 1000000)
                model_scan_fail(scan, "isotherm_model: this program reads version 1");
            has_version = true;
        } else if (strcmp(key, "utc_offset") == 0) {
            read_offset(scan, model);
        } else if (strcmp(key, "note") == 0) {
            model_scan_string(scan, note, sizeof note);
        } else if (strcmp(key, "devices") == 0 && model->device_count == 0) {
            read_devices(scan, model);
        } else {
            model_scan_fail(scan, "the keys here are isotherm_model, utc_offset, note, devices");
        }
    }
    model_scan_end(scan);
    if (!has_version) model_scan_fail(scan, "isotherm_model: 1 is missing: not a model");
    if (model->device_count == 0) model_scan_fail(scan, "devices: no entry");
}

_Static_assert(MODEL_VERSION == 1, "said in read_model");

enum status model_parse(struct model *model, const char *bytes, size_t size,
                        struct model_problem *problem)
{
    struct model_scan scan;
    *model = (struct model){.devices = NULL};
    *problem = (struct model_problem){.line = 0};
    model_scan_begin(&scan, bytes, size, problem);
    read_model(&scan, model);
    if (scan.has_failed || model->device_count == 0 || model->band_count == 0) return ST_INVALID;
    model->devices = calloc(model->device_count, sizeof *model->devices);
    model->bands = calloc(model->band_count, sizeof *model->bands);
    if (model->devices == NULL || model->bands == NULL) {
        model_fini(model);
        (void)snprintf(problem->text, sizeof problem->text, "out of memory");
        return ST_NO_MEMORY;
    }
    model_scan_begin(&scan, bytes, size, problem);
    read_model(&scan, model);
    if (!scan.has_failed) return ST_OK;
    model_fini(model);
    return ST_INVALID;
}

/* At most one byte more than a model may have, so that a larger file shows. */
static enum status read_file(const char *path, char *bytes, size_t *size,
                             struct model_problem *problem)
{
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        *size = fread(bytes, 1, MODEL_FILE_BYTES + 1, file);
        bool is_good = ferror(file) == 0;
        if (fclose(file) == 0 && is_good) return ST_OK;
    }
    (void)snprintf(problem->text, sizeof problem->text, "cannot be read: %s", strerror(errno));
    return ST_IO;
}

enum status model_load(struct model *model, const char *path, struct model_problem *problem)
{
    *model = (struct model){.devices = NULL};
    *problem = (struct model_problem){.line = 0};
    size_t size = 0;
    char *bytes = malloc(MODEL_FILE_BYTES + 1);
    if (bytes == NULL) {
        (void)snprintf(problem->text, sizeof problem->text, "out of memory");
        return ST_NO_MEMORY;
    }
    enum status status = read_file(path, bytes, &size, problem);
    if (status == ST_OK && size > MODEL_FILE_BYTES) {
        (void)snprintf(problem->text, sizeof problem->text, "is larger than 4 MiB");
        status = ST_INVALID;
    }
    if (status == ST_OK) status = model_parse(model, bytes, size, problem);
    free(bytes);
    return status;
}

void model_fini(struct model *model)
{
    free(model->devices);
    free(model->bands);
    *model = (struct model){.devices = NULL};
}

size_t model_size_bytes(const struct model *model)
{
    return model->device_count * sizeof *model->devices + model->band_count * sizeof *model->bands;
}

size_t model_find_device(const struct model *model, const char *id)
{
    for (size_t i = 0; i < model->device_count; i++) {
        if (device_id_matches(model->devices[i].devices, id)) return i;
    }
    return MODEL_NO_DEVICE;
}

const struct band *model_find_bands(const struct model *model, size_t device, int64_t event_ms,
                                    size_t *count)
{
    const struct model_device *found = &model->devices[device];
    unsigned hour = band_hour_of_day(band_count_hours(event_ms, model->utc_offset_ms));
    *count = found->count[hour];
    return &model->bands[found->first[hour]];
}
