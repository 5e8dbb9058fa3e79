/* config: the configuration of an agent, from YAML through the field tables.
 *
 * One file and, beside it, the files of conf.d/ in order of their names.  Every problem is
 * reported at once with file, line, column and, for a mistyped key, the nearest known one.
 * Loop thread, at start. */
#ifndef ISOTHERM_CONFIG_H
#define ISOTHERM_CONFIG_H

#include "action/action.h"
#include "alarm/model.h"
#include "base/field.h"
#include "base/limits.h"
#include "base/status.h"
#include "board.h"
#include "driver.h"
#include "store/store.h"
#include "stream/stream.h"
#include "uplink/uplink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_source {
    const struct driver *driver;
    char name[48]; /* e.g. "mqtt[0]", or the `name:` given */
    void *options; /* driver->options_size bytes */
};

struct config_limits {
    int64_t devices;
    int admission; /* enum admission */
    int64_t payload_bytes;
    int64_t memory_bytes; /* of the whole process; 0: no limit */
};

struct config_times { /* which event times are believed */
    int64_t future_ms;
    int64_t past_ms;
};

struct config_habit {         /* how alarms learn, see habit.h */
    int64_t utc_offset_micro; /* hours */
    int64_t memory_ms, warm_up_ms;
    int64_t least_micro;
};

struct config {
    char gateway[LIMIT_GATEWAY_SIZE];
    char board_name[BOARD_NAME_SIZE]; /* as written; "auto": the one that is recognised */
    struct board board;               /* its profile, or what is assumed without one */
    struct board_found board_found;
    struct store_options store;
    struct config_limits limits;
    struct config_times times;
    struct window_spec windows[LIMIT_WINDOWS];
    size_t window_count;
    int64_t lateness_ms;
    int64_t grace_ms;
    int64_t expected_every_ms;
    struct alarm_rule alarms[LIMIT_ALARMS];
    size_t alarm_count;
    struct config_habit habit;
    struct model *models; /* of the alarms that name one; NULL: none does */
    struct action_options actions[LIMIT_ACTIONS];
    size_t action_count;
    struct config_source sources[LIMIT_SOURCES];
    size_t source_count;
    bool has_uplink;
    struct uplink_mqtt_options uplink;
    char control_socket[108]; /* path; never empty after loading */
    int log_level;            /* enum log_level */
};

/* One problem, as `isotherm check` prints it. */
struct config_problem {
    char file[LIMIT_PATH_SIZE];
    unsigned line, column; /* from 1; 0: not known */
    bool is_warning;
    char text[256];
};

struct config_problems {
    struct config_problem *items; /* of the caller */
    size_t capacity, count;       /* those beyond capacity are counted, not kept */
};

/* Reads and checks everything.  ST_INVALID: at least one problem that is not a warning; ST_IO: a
 * file cannot be read (a problem as well).  Release with config_fini in any case. */
enum status config_load(struct config *config, const char *path,
                        struct config_problems *problems) ISOTHERM_CHECK;

/* What a configuration is loaded for. */
struct config_purpose {
    struct board_search boards;
    /* What the process will take in memory, held against the limits; NULL: not to be checked. */
    int64_t (*plan_bytes)(const struct config *config);
};

/* The same; config_load asks the environment for boards and plans nothing. */
enum status config_load_for(struct config *config, const char *path,
                            const struct config_purpose *purpose,
                            struct config_problems *problems) ISOTHERM_CHECK;

void config_fini(struct config *config);

/* What the stream needs, taken from the configuration. */
struct stream_options config_stream_options(const struct config *config);

/* The options of the store, with a batch that holds what one call of the stream may ask for. */
struct store_options config_store_options(const struct config *config);

/* Writes the JSON Schema, the reference page (Markdown) or the full commented example (YAML),
 * made from the field tables, to a stdio stream.  ST_IO when writing fails; ST_UNSUPPORTED in a
 * build without tools. */
enum config_document {
    CONFIG_SCHEMA,
    CONFIG_REFERENCE,
    CONFIG_EXAMPLE,
    CONFIG_BOARD_SCHEMA, /* likewise of a board's profile */
    CONFIG_BOARD_REFERENCE
};
enum status config_write_document(enum config_document document, void *stdio_file) ISOTHERM_CHECK;

#endif
