/* Invariant: nothing is said that a checksum does not vouch for. */
#include "store/inquest.h"

#include "base/boot_times.h"
#include "store/database.h"
#include "store/frozen.h"
#include "store/record_codec.h"

#include <stdio.h>
#include <string.h>

static const char *const ends[] = {
    "SELECT seq, record FROM outbox_alarm ORDER BY seq LIMIT 1",
    "SELECT seq, record FROM outbox_alarm ORDER BY seq DESC LIMIT 1",
    "SELECT seq, record FROM outbox_window ORDER BY seq LIMIT 1",
    "SELECT seq, record FROM outbox_window ORDER BY seq DESC LIMIT 1",
};

static void note_times(struct inquest *inquest, const struct record *record)
{
    const struct window_result *window = &record->window;
    if (record->kind == RECORD_WINDOW && window->boot > 0) return;
    if (record->kind == RECORD_WINDOW)
        owed_add_span(&inquest->said, window->start_ms, window->end_ms + (window->size_count > 0));
    else if (record->kind == RECORD_NOTICE)
        owed_add_span(&inquest->said, record->notice.from_ms, record->notice.to_ms);
    else if (!boot_times_is_uptime(record->alarm.event_ms))
        owed_add_span(&inquest->said, record->alarm.event_ms, record->alarm.event_ms + 1);
}

static void look(struct inquest *inquest, sqlite3 *connection, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (database_prepare(connection, NULL, sql, &statement) != ST_OK) return;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        struct record record;
        uint64_t seq = (uint64_t)sqlite3_column_int64(statement, 0);
        const uint8_t *bytes = sqlite3_column_blob(statement, 1);
        size_t size = (size_t)sqlite3_column_bytes(statement, 1);
        if (bytes != NULL && record_codec_decode(bytes, size, seq, &record) == ST_OK)
            note_times(inquest, &record);
    }
    (void)sqlite3_finalize(statement);
}

void inquest_hold(struct inquest *inquest, const char *aside_path)
{
    struct frozen frozen;
    sqlite3 *connection = NULL;
    memset(inquest, 0, sizeof *inquest);
    if (frozen_begin(&frozen) != ST_OK) return;
    if (frozen_connect(&frozen, aside_path, NULL, &connection) == ST_OK) {
        struct meta meta = {.connection = connection};
        inquest->has_state = meta_load(&meta, &inquest->state) == ST_OK;
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) look(inquest, connection, ends[i]);
    }
    if (connection != NULL) database_close(&connection);
    frozen_end(&frozen);
}

void inquest_tell(const struct inquest *inquest, struct notice *notice)
{
    const struct meta_state *state = &inquest->state;
    owed_add_span(notice, inquest->said.from_ms, inquest->said.to_ms);
    if (!inquest->has_state) return;
    notice->lost += state->waiting[LANE_ALARM] + state->waiting[LANE_WINDOW];
    notice->former_seq = state->next_seq - 1;
    for (size_t i = 0; i < sizeof state->epoch; i++)
        (void)snprintf(notice->former_epoch + 2 * i, 3, "%02x", state->epoch[i]);
}

void inquest_name(struct notice *notice, const char *path, const char *suffix)
{
    const char *slash = strrchr(path, '/');
    (void)snprintf(notice->aside, sizeof notice->aside, "%.40s%s", slash == NULL ? path : slash + 1,
                   suffix);
}
