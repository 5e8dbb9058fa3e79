/* Invariant: options that pass the check can be opened; store_open checks the budget again. */
#include "store/database.h"
#include "store/store.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

static const struct field fields[] = {
    {.name = "path",
     .type = FIELD_TEXT,
     .offset = offsetof(struct store_options, path),
     .size = sizeof((struct store_options *)0)->path,
     .default_text = "/var/lib/isotherm/store.db",
     .help = "File of the store; its WAL, lock and reserve lie beside it."},
    {.name = "budget",
     .type = FIELD_BYTES,
     .offset = offsetof(struct store_options, budget_bytes),
     .default_text = "64 MiB",
     .min = INT64_C(1) << 20,
     .max = INT64_C(1) << 36,
     .help = "Most that the store, its WAL, its reserve and damaged stores beside it may take on "
             "disk; near it the oldest windows are merged into longer ones, and only when that is "
             "not enough are they dropped; alarms are not."},
    {.name = "commit_every",
     .type = FIELD_DURATION,
     .offset = offsetof(struct store_options, commit_every_ms),
     .default_text = "5s",
     .min = 10,
     .max = 600000,
     .help = "How often what is new is made durable; a longer time spares the flash, and is what "
             "a power cut may take from sources that cannot wait."},
    {.name = "batch",
     .type = FIELD_BYTES,
     .offset = offsetof(struct store_options, batch_bytes),
     .default_text = "256 KiB",
     .min = 16 << 10,
     .max = 1 << 20,
     .help = "Memory for what waits for the next commit; there are two of these."},
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
    .help = "Where what was promised is kept, and how much of it.",
    .check = check,
};
