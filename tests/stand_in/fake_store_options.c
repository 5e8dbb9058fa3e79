/* The options of the store, for a tree without the store. */
#include "store/store.h"

static const struct field fields[] = {
    {.name = "path",
     .type = FIELD_TEXT,
     .offset = offsetof(struct store_options, path),
     .size = LIMIT_PATH_SIZE,
     .default_text = "/var/lib/isotherm/isotherm.db",
     .help = "Database file."},
    {.name = "budget",
     .type = FIELD_BYTES,
     .offset = offsetof(struct store_options, budget_bytes),
     .default_text = "256 MiB",
     .min = 1 << 20,
     .max = INT64_C(1) << 40,
     .help = "Most that the database and its WAL may take."},
    {.name = "commit_every",
     .type = FIELD_DURATION,
     .offset = offsetof(struct store_options, commit_every_ms),
     .default_text = "1s",
     .min = 10,
     .max = 60000,
     .help = "Longest wait until what came in is committed."},
    {.name = "batch",
     .type = FIELD_BYTES,
     .offset = offsetof(struct store_options, batch_bytes),
     .default_text = "1 MiB",
     .min = 65536,
     .max = 64 << 20,
     .help = "Memory of one of the two batches."},
};

const struct field_table store_option_table = {
    .fields = fields, .count = sizeof fields / sizeof *fields, .help = "What is kept on disk."};
