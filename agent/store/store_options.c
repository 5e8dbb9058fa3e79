/* Invariant: options that pass the check can be opened; store_open checks the budget again. */
#include "store/database.h"
#include "store/store.h"
#include "store/wear.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#define MIB (INT64_C(1) << 20)

const char *const store_storage_names[] = {"sd", "emmc", "nand", "ssd", "hdd", "ram", NULL};

/* A cheap card of 16 GB stands some 0.3 to 2 TB, an eMMC of 8 GB some 20 TB, a small SSD 150 TB:
 * years in each case. */
static const int64_t class_bytes[] = {
    [STORAGE_SD] = 250 * MIB,    [STORAGE_EMMC] = 2048 * MIB, [STORAGE_NAND] = 100 * MIB,
    [STORAGE_SSD] = 20480 * MIB, [STORAGE_HDD] = 0,           [STORAGE_RAM] = 0,
};

int64_t store_flash_per_day(const struct store_options *options)
{
    return options->has_flash_per_day ? options->flash_per_day_bytes
                                      : class_bytes[options->storage];
}

int64_t store_alarm_budget(const struct store_options *options)
{
    return options->alarm_bytes > 0 ? options->alarm_bytes : options->budget_bytes / 8;
}

static const struct field fields[] = {
    {.name = "path",
     .type = FIELD_TEXT,
     .offset = offsetof(struct store_options, path),
     .size = sizeof((struct store_options *)0)->path,
     .default_text = "/var/lib/isotherm/store.db",
     FIELD_HELP("File of the store; its WAL, lock and reserve lie beside it.")},
    {.name = "budget",
     .type = FIELD_BYTES,
     .offset = offsetof(struct store_options, budget_bytes),
     .default_text = "64 MiB",
     .min = INT64_C(1) << 20,
     .max = INT64_C(1) << 36,
     FIELD_HELP(
         "Most that the store, its WAL, its reserve and damaged stores beside it may take on "
         "disk; near it the oldest windows are merged into longer ones, and only when that is "
         "not enough are they dropped; alarms are not.")},
    {.name = "alarm_budget",
     .type = FIELD_BYTES,
     .offset = offsetof(struct store_options, alarm_bytes),
     .default_text = "0",
     .min = 0,
     .max = INT64_C(1) << 36,
     FIELD_HELP(
         "Bytes of alarms that may wait for the centre, of budget; beyond, transitions between "
         "the first and the last of an alarm are merged into a count, but never those of HH "
         "and LL limits or of high or critical priority. 0: an eighth of budget.")},
    {.name = "commit_every",
     .type = FIELD_DURATION,
     .offset = offsetof(struct store_options, commit_every_ms),
     .min = 10,
     .max = 600000,
     .example = "5s",
     FIELD_HELP(
         "How often what is new is made durable; a longer time spares the flash, and is what "
         "a power cut may take from sources that cannot wait. By default it follows from "
         "flash_per_day and from what is really written, within 1s to 1min; alarms are "
         "committed at once in any case.")},
    {.name = "flash_per_day",
     .type = FIELD_BYTES,
     .offset = offsetof(struct store_options, flash_per_day_bytes),
     .given_offset = offsetof(struct store_options, has_flash_per_day),
     .min = 0,
     .max = WEAR_BUDGET_MOST,
     .example = "500 MiB",
     FIELD_HELP(
         "How many bytes the store may write in a day; commits become rarer when it would be "
         "more. 0: no limit. By default it follows from storage.")},
    {.name = "storage",
     .type = FIELD_CHOICE,
     .offset = offsetof(struct store_options, storage),
     .choices = store_storage_names,
     .default_text = "ssd",
     FIELD_HELP(
         "What the store lies on: sd (250 MiB a day), emmc (2 GiB), nand (raw flash, 100 MiB), "
         "ssd (20 GiB), hdd or ram (no limit).")},
    {.name = "batch",
     .type = FIELD_BYTES,
     .offset = offsetof(struct store_options, batch_bytes),
     .default_text = "256 KiB",
     .min = 16 << 10,
     .max = 1 << 20,
     FIELD_HELP("Memory for what waits for the next commit; there are two of these.")},
};

static void check(const void *options, const struct field_report *report)
{
    const struct store_options *store = options;
    int64_t least_bytes = database_least_budget(store->batch_bytes);
    if (store->budget_bytes >= least_bytes) return;
    char problem[96];
    (void)snprintf(problem, sizeof problem,
                   "too small for batches of %" PRId64 " bytes: at least %" PRId64,
                   store->batch_bytes, least_bytes);
    report->add(report->context, "budget", problem);
}

const struct field_table store_option_table = {
    .fields = fields,
    .count = sizeof fields / sizeof *fields,
    FIELD_HELP("Where what was promised is kept, and how much of it."),
    .check = check,
};
