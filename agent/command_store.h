/* command_store: what the verbs of `isotherm store` share. */
#ifndef ISOTHERM_COMMAND_STORE_H
#define ISOTHERM_COMMAND_STORE_H

#include "base/log.h"
#include "command.h"
#include "store/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the arguments say, and what the configuration says where they do not. */
struct store_request {
    const char *verb;
    char path[LIMIT_PATH_SIZE];
    char gateway[LIMIT_GATEWAY_SIZE];  /* "": not known */
    int64_t budget_bytes, batch_bytes; /* 0: not known */
    const char *device;                /* pattern; NULL: every device */
    int64_t from_ms, to_ms;            /* event time, from inclusive, to exclusive */
    bool has_lane;
    enum lane lane;
    bool is_json, is_csv, is_confirmed;
    struct log *log;
};

/* Opens the store of the request, or says why not; *code is the exit code to end with then. */
struct reader *command_store_open(const struct store_request *request, enum reader_mode mode,
                                  int *code);

/* Whether a look at all of it finds no problem; prints nothing. */
bool command_store_is_sound(const struct store_request *request, struct reader *reader);

/* Whether the filters let it through. */
bool command_store_wants(const struct store_request *request, const struct record *record);

/* The verbs: exit codes. */
int command_store_check(const struct store_request *request);
int command_store_dump(const struct store_request *request);
int command_store_export(const struct store_request *request);
int command_store_repair(const struct store_request *request);

#endif
