/* Invariant: the store itself is renamed, durably, before its WAL: a store without its WAL would
 * look whole and lack what was committed last. */
#include "store/quarantine.h"

#include "store/store_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const companions[] = {"-wal", "-journal"};

enum { COMPANIONS = sizeof companions / sizeof *companions };

/* Renames; a file that is not there is no failure. */
static enum status move(const char *from, const char *to, struct log *log)
{
    if (rename(from, to) == 0 || errno == ENOENT) return ST_OK;
    log_limited(log, LOG_LEVEL_ERROR, "store", "rename", "rename %s to %s: %s", from, to,
                strerror(errno));
    return ST_IO;
}

static enum status move_companions(const char *from, const char *to, struct log *log)
{
    for (size_t i = 0; i < COMPANIONS; i++) {
        char from_path[STORE_FILE_PATH_SIZE], to_path[STORE_FILE_PATH_SIZE];
        store_file_join(from_path, from, companions[i]);
        store_file_join(to_path, to, companions[i]);
        if (move(from_path, to_path, log) != ST_OK) return ST_IO;
    }
    return store_file_sync_directory(from, log);
}

static void remove_companions(const char *path)
{
    for (size_t i = 0; i < COMPANIONS; i++) {
        char companion[STORE_FILE_PATH_SIZE];
        store_file_join(companion, path, companions[i]);
        (void)unlink(companion);
    }
}

static bool has_companions(const char *path)
{
    bool is_found = false;
    for (size_t i = 0; i < COMPANIONS; i++) {
        char companion[STORE_FILE_PATH_SIZE];
        store_file_join(companion, path, companions[i]);
        is_found = is_found || access(companion, F_OK) == 0;
    }
    return is_found;
}

/* Renames the store, and only when that is durable what belongs to it; all is durable then. */
static enum status move_all(const char *from, const char *to, struct log *log)
{
    if (move(from, to, log) != ST_OK) return ST_IO;
    if (store_file_sync_directory(from, log) != ST_OK) return ST_IO;
    return move_companions(from, to, log);
}

/* Makes the names of the newer generation free.  When the store is gone from there and its WAL is
 * not, a former try was cut short: the rest follows. */
static enum status rotate(const char *path, const char *newer, struct log *log)
{
    char older[STORE_FILE_PATH_SIZE];
    store_file_join(older, path, ".damaged-2");
    if (access(newer, F_OK) != 0)
        return has_companions(newer) ? move_companions(newer, older, log) : ST_OK;
    remove_companions(older);
    return move_all(newer, older, log);
}

enum status quarantine_move(const char *path, struct log *log, char *aside_path)
{
    store_file_join(aside_path, path, ".damaged-1");
    if (rotate(path, aside_path, log) != ST_OK) return ST_IO;
    if (move_all(path, aside_path, log) != ST_OK) return ST_IO;
    log_write(log, LOG_LEVEL_ERROR, "store",
              "%s is damaged: set aside as %s, a new one is begun; the summaries in it were not "
              "delivered",
              path, aside_path);
    return ST_OK;
}

enum status quarantine_move_orphans(const char *path, struct log *log, bool *is_moved)
{
    *is_moved = has_companions(path);
    if (!*is_moved) return ST_OK;
    char aside[STORE_FILE_PATH_SIZE];
    store_file_join(aside, path, ".damaged-1");
    log_write(log, LOG_LEVEL_WARN, "store", "%s is missing, its WAL is not: set aside as %s-wal",
              path, aside);
    if (has_companions(aside) && rotate(path, aside, log) != ST_OK) return ST_IO;
    return move_companions(path, aside, log);
}

static const char *const generations[] = {".damaged-2", ".damaged-1"};

enum { GENERATIONS = sizeof generations / sizeof *generations };

static int64_t generation_bytes(const char *aside)
{
    int64_t bytes = store_file_bytes(aside);
    for (size_t i = 0; i < COMPANIONS; i++) {
        char companion[STORE_FILE_PATH_SIZE];
        store_file_join(companion, aside, companions[i]);
        bytes += store_file_bytes(companion);
    }
    return bytes;
}

int64_t quarantine_bytes(const char *path)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < GENERATIONS; i++) {
        char aside[STORE_FILE_PATH_SIZE];
        store_file_join(aside, path, generations[i]);
        bytes += generation_bytes(aside);
    }
    return bytes;
}

bool quarantine_forget(const char *path, struct log *log)
{
    for (size_t i = 0; i < GENERATIONS; i++) {
        char aside[STORE_FILE_PATH_SIZE];
        store_file_join(aside, path, generations[i]);
        int64_t bytes = generation_bytes(aside);
        if (bytes == 0) continue;
        log_write(log, LOG_LEVEL_ERROR, "store",
                  "%s is deleted: its %" PRId64 " bytes leave too little of the budget", aside,
                  bytes);
        remove_companions(aside);
        return unlink(aside) == 0 || errno == ENOENT;
    }
    return false;
}
