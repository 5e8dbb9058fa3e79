/* Reads everything that a store holds and says all that does not fit, not only the first. */
#include "command_store.h"

#include "alarm/alarm_engine.h"
#include "alarm_desk.h"
#include "alarm_guard.h"
#include "base/boot_times.h"
#include "ledger.h"
#include "problems.h"
#include "repeat.h"
#include "store/database.h"
#include "stream/journal_entry.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PROBLEMS_TOLD = 100 };

struct checking {
    const struct store_request *request;
    struct reader *reader;
    struct meta_state state;
    bool has_state;
    uint64_t records[LANE_COUNT], first_seq, last_seq;
    uint64_t blobs, entries, last_blob;
    int64_t journal_bytes;
    struct version version;
    struct problems problems;
    cJSON *list; /* of the problems */
};

static void print_problem(void *context, const char *line)
{
    (void)context;
    (void)printf("problem   %s\n", line);
}

static void list_problem(void *context, const char *line)
{
    struct checking *checking = context;
    (void)cJSON_AddItemToArray(checking->list, cJSON_CreateString(line));
}

static void on_page_problem(void *context, const char *problem)
{
    problems_add(&((struct checking *)context)->problems, "pages: %s", problem);
}

static void check_pages(struct checking *checking)
{
    size_t count;
    enum status status = reader_check_pages(checking->reader, on_page_problem, checking, &count);
    if (status != ST_OK)
        problems_add(&checking->problems, "the pages cannot be checked to the end");
}

static void check_state(struct checking *checking)
{
    enum status status = reader_state(checking->reader, &checking->state);
    checking->has_state = status == ST_OK;
    if (status == ST_OK) return;
    problems_add(&checking->problems, "the state %s",
                 status == ST_NOT_FOUND ? "is missing" : "is damaged: its checksum is wrong");
}

static bool on_record(void *context, const struct reader_record *found)
{
    struct checking *checking = context;
    const char *lane = found->lane == LANE_ALARM ? "alarm" : "summary";
    checking->records[found->lane]++;
    if (checking->first_seq == 0 || found->seq < checking->first_seq)
        checking->first_seq = found->seq;
    if (found->seq > checking->last_seq) checking->last_seq = found->seq;
    if (found->status != ST_OK)
        problems_add(&checking->problems, "%s %" PRIu64 " (%zu bytes) cannot be read: %s", lane,
                     found->seq, found->size, status_text(found->status));
    if (checking->has_state && found->seq >= checking->state.next_seq)
        problems_add(&checking->problems,
                     "%s %" PRIu64 " is beyond the state, which expects %" PRIu64 " next", lane,
                     found->seq, checking->state.next_seq);
    return true;
}

static bool is_guard_entry(const void *bytes, size_t size)
{
    struct alarm_guard guard = {.count = 0};
    return alarm_guard_restore(&guard, bytes, size) == ST_OK;
}

static bool is_desk_entry(const void *bytes, size_t size)
{
    struct alarm_desk desk = {.gateway = NULL};
    return alarm_desk_restore_counts(&desk, bytes, size) == ST_OK;
}

static bool is_stream_entry(const void *bytes, size_t size)
{
    char device[LIMIT_DEVICE_ID_SIZE];
    struct journal_reader reader;
    journal_begin_entry(&reader, bytes, size, device);
    return !reader.is_damaged && device[0] != '\0';
}

/* What an alarm's entry says depends on the rules, which are not known here. */
static bool is_entry(uint8_t tag, const void *bytes, size_t size)
{
    char name[REPEAT_NAME_SIZE];
    struct ledger ledger;
    struct boot_times times = {.boot = 0};
    if (tag == LEDGER_TAG) return ledger_decode(&ledger, bytes, size) == ST_OK;
    if (tag == REPEAT_TAG) return repeat_read_name(bytes, size, name) == ST_OK;
    if (tag == ALARM_GUARD_TAG) return is_guard_entry(bytes, size);
    if (tag == BOOT_TIMES_TAG) return boot_times_decode(&times, bytes, size) == ST_OK;
    if (tag == ALARM_DESK_TAG) return is_desk_entry(bytes, size);
    return alarm_engine_is_entry(bytes, size) || is_stream_entry(bytes, size);
}

static void on_entry(void *context, const void *bytes, size_t size)
{
    struct checking *checking = context;
    static const char what[] = "journal entry";
    uint8_t tag = size > 0 ? *(const uint8_t *)bytes : 0;
    bool is_good = is_entry(tag, bytes, size);
    checking->entries++;
    if (!is_good)
        problems_add(&checking->problems,
                     "%s %" PRIu64 " of batch %" PRIu64 " (%zu bytes) makes no sense", what,
                     checking->entries, checking->last_blob, size);
}

static bool on_blob(void *context, const struct reader_blob *blob)
{
    struct checking *checking = context;
    checking->blobs++;
    checking->last_blob = blob->id;
    checking->journal_bytes += (int64_t)blob->size;
    if (blob->status != ST_OK)
        problems_add(&checking->problems,
                     "journal of batch %" PRIu64 " (%zu bytes) cannot be read: %s", blob->id,
                     blob->size, status_text(blob->status));
    if (checking->has_state && blob->id > checking->state.batch)
        problems_add(&checking->problems,
                     "journal of batch %" PRIu64 " is beyond the state, whose last is %" PRIu64,
                     blob->id, checking->state.batch);
    reader_list_entries(blob, on_entry, checking);
    return true;
}

static void check_contents(struct checking *checking)
{
    static const char *const tables[] = {"alarms", "summaries"};
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        enum status status =
            reader_list_records(checking->reader, (enum lane)lane, on_record, checking);
        if (status != ST_OK)
            problems_add(&checking->problems, "the table of %s cannot be read to its end: %s",
                         tables[lane], status_text(status));
    }
    enum status status = reader_list_journal(checking->reader, on_blob, checking);
    if (status != ST_OK)
        problems_add(&checking->problems, "the journal cannot be read to its end: %s",
                     status_text(status));
}

static void check_ledger(struct checking *checking)
{
    const struct meta_state *state = &checking->state;
    if (!checking->has_state) return;
    uint64_t waiting = 0;
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        waiting += state->waiting[lane];
        if (state->waiting[lane] != checking->records[lane])
            problems_add(&checking->problems, "the state counts %" PRIu64 " %s, there are %" PRIu64,
                         state->waiting[lane], lane == LANE_ALARM ? "alarms" : "summaries",
                         checking->records[lane]);
    }
    if (state->written != state->acknowledged + state->merged + state->dropped + waiting)
        problems_add(&checking->problems,
                     "the ledger does not balance: written %" PRIu64 " is not acknowledged %" PRIu64
                     " + waiting %" PRIu64 " + merged %" PRIu64 " + dropped %" PRIu64,
                     state->written, state->acknowledged, waiting, state->merged, state->dropped);
}

static void check_budget(struct checking *checking)
{
    int64_t bytes = reader_bytes(checking->reader) + reader_wal_bytes(checking->reader);
    int64_t budget_bytes = checking->request->budget_bytes;
    if (budget_bytes > 0 && bytes > budget_bytes)
        problems_add(&checking->problems, "%" PRId64 " bytes are more than the budget of %" PRId64,
                     bytes, budget_bytes);
}

static void format_epoch(const struct meta_state *state, char epoch[17])
{
    for (size_t i = 0; i < sizeof state->epoch; i++)
        (void)snprintf(epoch + 2 * i, 3, "%02x", state->epoch[i]);
}

static void print_text(const struct checking *checking)
{
    const struct meta_state *state = &checking->state;
    double mib = (double)(reader_bytes(checking->reader)) / 1048576.0;
    double wal_mib = (double)(reader_wal_bytes(checking->reader)) / 1048576.0;
    (void)printf("store     %s  %.2f MiB + WAL %.2f MiB", reader_path(checking->reader), mib,
                 wal_mib);
    if (checking->request->budget_bytes > 0)
        (void)printf(" of %.1f MiB", (double)checking->request->budget_bytes / 1048576.0);
    (void)printf("  schema %" PRId64 "\n", checking->version.number);
    (void)printf("waiting   %" PRIu64 " alarms, %" PRIu64 " summaries",
                 checking->records[LANE_ALARM], checking->records[LANE_WINDOW]);
    if (checking->last_seq > 0)
        (void)printf(", numbers %" PRIu64 " to %" PRIu64, checking->first_seq, checking->last_seq);
    (void)printf("\njournal   %" PRIu64 " batches, %" PRIu64 " entries, %.1f KiB\n",
                 checking->blobs, checking->entries, (double)checking->journal_bytes / 1024.0);
    if (checking->has_state) {
        char epoch[17] = "";
        format_epoch(state, epoch);
        (void)printf("state     epoch %s, batch %" PRIu64 ", next number %" PRIu64 "\n", epoch,
                     state->batch, state->next_seq);
        (void)printf("ledger    written %" PRIu64 " = acknowledged %" PRIu64 " + waiting %" PRIu64
                     " + merged %" PRIu64 " + dropped %" PRIu64 "\n",
                     state->written, state->acknowledged,
                     state->waiting[LANE_ALARM] + state->waiting[LANE_WINDOW], state->merged,
                     state->dropped);
    }
    if (checking->problems.count == 0)
        (void)printf("sound\n");
    else
        (void)printf("DAMAGED: %" PRIu64 " problem%s\n", checking->problems.count,
                     checking->problems.count == 1 ? "" : "s");
}

static void add_number(cJSON *object, const char *name, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    (void)cJSON_AddRawToObject(object, name, text);
}

static void add_state(cJSON *object, const struct meta_state *state)
{
    char epoch[17] = "";
    format_epoch(state, epoch);
    (void)cJSON_AddStringToObject(object, "epoch", epoch);
    add_number(object, "batch", state->batch);
    add_number(object, "next_seq", state->next_seq);
    add_number(object, "written", state->written);
    add_number(object, "acknowledged", state->acknowledged);
    add_number(object, "merged", state->merged);
    add_number(object, "dropped", state->dropped);
}

static void print_json(struct checking *checking)
{
    cJSON *object = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(object, "path", reader_path(checking->reader));
    (void)cJSON_AddBoolToObject(object, "sound", checking->problems.count == 0);
    add_number(object, "schema", (uint64_t)checking->version.number);
    add_number(object, "file_bytes", (uint64_t)reader_bytes(checking->reader));
    add_number(object, "wal_bytes", (uint64_t)reader_wal_bytes(checking->reader));
    add_number(object, "budget_bytes", (uint64_t)checking->request->budget_bytes);
    add_number(object, "alarms", checking->records[LANE_ALARM]);
    add_number(object, "summaries", checking->records[LANE_WINDOW]);
    add_number(object, "journal_batches", checking->blobs);
    add_number(object, "journal_entries", checking->entries);
    add_number(object, "journal_bytes", (uint64_t)checking->journal_bytes);
    if (checking->has_state) add_state(object, &checking->state);
    add_number(object, "problem_count", checking->problems.count);
    (void)cJSON_AddItemToObject(object, "problems", checking->list);
    char *line = cJSON_PrintUnformatted(object);
    if (line != NULL) (void)puts(line);
    cJSON_free(line);
    cJSON_Delete(object);
}

static void check_all(struct checking *checking)
{
    if (reader_schema(checking->reader, &checking->version) != ST_OK)
        problems_add(&checking->problems, "the version of the tables cannot be read");
    if (checking->version.is_header_wrong)
        problems_add(&checking->problems,
                     "one bit of the version in the header is wrong: the tables are of "
                     "version %" PRId64 "; an agent mends it",
                     checking->version.number);
    check_pages(checking);
    check_state(checking);
    check_contents(checking);
    check_ledger(checking);
}

bool command_store_is_sound(const struct store_request *request, struct reader *reader)
{
    struct checking checking = {.request = request, .reader = reader};
    check_all(&checking);
    return checking.problems.count == 0;
}

int command_store_check(const struct store_request *request)
{
    int code;
    struct checking checking = {.request = request};
    checking.reader = command_store_open(request, READER_SHARES, &code);
    if (checking.reader == NULL) return code;
    checking.problems = (struct problems){.told_most = PROBLEMS_TOLD,
                                          .tell = request->is_json ? list_problem : print_problem,
                                          .context = &checking};
    if (request->is_json) checking.list = cJSON_CreateArray();
    check_all(&checking);
    check_budget(&checking);
    if (request->is_json)
        print_json(&checking);
    else
        print_text(&checking);
    reader_close(checking.reader);
    return checking.problems.count == 0 ? EXIT_OK : EXIT_FAILED;
}
