/* Invariant: a record is printed as the centre would have got it, byte for byte; every other form
 * is made from that text. */
#include "command_store.h"

#include "alarm/alarm_engine.h"
#include "alarm_desk.h"
#include "alarm_guard.h"
#include "base/boot_times.h"
#include "ledger.h"
#include "repeat.h"
#include "stream/journal_entry.h"
#include "uplink/encode_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS = 96, COLUMN_SIZE = 32 };

struct listing {
    const struct store_request *request;
    struct encode_json_origin origin;
    char epoch[17];
    struct boot_times boot_times;
    uint64_t printed, damaged;
    uint64_t blob_id;
    char columns[COLUMNS][COLUMN_SIZE];
    size_t column_count;
};

/* A member of a JSON object as its text stands there. */
struct member {
    const char *key, *value;
    size_t key_size, value_size;
};

static const char *skip_string(const char *at)
{
    for (at++; *at != '"' && *at != '\0'; at++) {
        if (*at == '\\' && at[1] != '\0') at++;
    }
    return *at == '"' ? at + 1 : at;
}

/* Steps through an object that our own encoder wrote; *at is its first byte at first. */
static bool next_member(const char **at, struct member *member)
{
    if (**at == '{' || **at == ',') ++*at;
    if (**at != '"') return false;
    member->key = *at + 1;
    *at = skip_string(*at);
    member->key_size = (size_t)(*at - member->key) - 1;
    member->value = ++*at;
    unsigned depth = 0;
    while (**at != '\0' && (depth > 0 || (**at != ',' && **at != '}'))) {
        if (**at == '{' || **at == '[') depth++;
        if (**at == '}' || **at == ']') depth--;
        *at = **at == '"' ? skip_string(*at) : *at + 1;
    }
    member->value_size = (size_t)(*at - member->value);
    return true;
}

static bool find_member(const char *json, const char *name, struct member *member)
{
    while (next_member(&json, member)) {
        if (member->key_size == strlen(name) && memcmp(member->key, name, member->key_size) == 0)
            return true;
    }
    return false;
}

static bool encode(struct listing *listing, const struct reader_record *found, char *json)
{
    if (found->status != ST_OK) return false;
    /* Made before the next connection, whenever that will be. */
    const bool is_replay = true;
    return encode_json_record(found->record, &listing->origin, is_replay, json, LIMIT_RECORD_JSON) >
           0;
}

static bool export_jsonl(void *context, const struct reader_record *found)
{
    struct listing *listing = context;
    char json[LIMIT_RECORD_JSON];
    if (found->status == ST_OK && !command_store_wants(listing->request, found->record))
        return true;
    if (encode(listing, found, json)) {
        listing->printed++;
        return puts(json) >= 0;
    }
    listing->damaged++;
    return true;
}

static void add_column(struct listing *listing, const struct member *member)
{
    for (size_t i = 0; i < listing->column_count; i++) {
        const char *column = listing->columns[i];
        if (strlen(column) == member->key_size &&
            memcmp(column, member->key, member->key_size) == 0)
            return;
    }
    if (listing->column_count == COLUMNS || member->key_size >= COLUMN_SIZE) return;
    char *column = listing->columns[listing->column_count++];
    memcpy(column, member->key, member->key_size);
    column[member->key_size] = '\0';
}

/* Not every record has every member: a window by time has no counts of readings. */
static bool collect_columns(void *context, const struct reader_record *found)
{
    struct listing *listing = context;
    char json[LIMIT_RECORD_JSON];
    struct member member;
    if (!encode(listing, found, json)) return true;
    if (!command_store_wants(listing->request, found->record)) return true;
    for (const char *at = json; next_member(&at, &member);) add_column(listing, &member);
    return true;
}

static void print_cell(const struct member *member)
{
    const char *at = member->value, *end = at + member->value_size;
    if (*at != '"') {
        bool is_list = *at == '['; /* of numbers */
        if (is_list) (void)putchar('"');
        if (member->value_size != 4 || memcmp(at, "null", 4) != 0)
            (void)fwrite(at, 1, member->value_size, stdout);
        if (is_list) (void)putchar('"');
        return;
    }
    bool is_plain = memchr(at + 1, ',', member->value_size - 2) == NULL &&
                    memchr(at + 1, '\\', member->value_size - 2) == NULL;
    if (!is_plain) (void)putchar('"');
    for (at++, end--; at < end; at++) {
        if (*at == '\\' && (at[1] == '"' || at[1] == '\\')) at++;
        if (*at == '"') (void)putchar('"');
        (void)putchar(*at);
    }
    if (!is_plain) (void)putchar('"');
}

static bool export_csv(void *context, const struct reader_record *found)
{
    struct listing *listing = context;
    char json[LIMIT_RECORD_JSON];
    if (found->status == ST_OK && !command_store_wants(listing->request, found->record))
        return true;
    if (!encode(listing, found, json)) {
        listing->damaged++;
        return true;
    }
    for (size_t i = 0; i < listing->column_count; i++) {
        struct member member;
        if (i > 0) (void)putchar(',');
        if (find_member(json, listing->columns[i], &member)) print_cell(&member);
    }
    listing->printed++;
    return puts("") >= 0;
}

static enum status list_lanes(struct listing *listing, struct reader *reader,
                              bool (*fn)(void *context, const struct reader_record *record))
{
    enum status worst = ST_OK;
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        if (listing->request->has_lane && (int)listing->request->lane != lane) continue;
        enum status status = reader_list_records(reader, (enum lane)lane, fn, listing);
        if (status != ST_OK) worst = status;
    }
    return worst;
}

static void note_boot_times(void *context, const void *bytes, size_t size)
{
    struct boot_times *times = context;
    enum status status = boot_times_decode(times, bytes, size);
    (void)status; /* most entries are of other things */
}

static bool look_for_boot_times(void *context, const struct reader_blob *blob)
{
    if (blob->status == ST_OK) reader_list_entries(blob, note_boot_times, context);
    return true;
}

static void begin_listing(struct listing *listing, struct reader *reader,
                          const struct store_request *request, struct meta_state *state)
{
    *listing = (struct listing){.request = request};
    listing->origin = (struct encode_json_origin){
        .gateway = request->gateway, .epoch = listing->epoch, .boot_times = &listing->boot_times};
    enum status journal = reader_list_journal(reader, look_for_boot_times, &listing->boot_times);
    (void)journal; /* where it is damaged the listing of it says so */
    if (reader_state(reader, state) != ST_OK) {
        *state = (struct meta_state){.batch = 0};
        (void)fputs("isotherm store: the state cannot be read, so the epoch is not known\n",
                    stderr);
        (void)snprintf(listing->epoch, sizeof listing->epoch, "unknown");
        return;
    }
    for (size_t i = 0; i < sizeof state->epoch; i++)
        (void)snprintf(listing->epoch + 2 * i, 3, "%02x", state->epoch[i]);
}

static int end_listing(const struct listing *listing, enum status status)
{
    if (listing->damaged > 0)
        (void)fprintf(stderr, "isotherm store: %" PRIu64 " damaged records were left out\n",
                      listing->damaged);
    if (status != ST_OK)
        (void)fputs("isotherm store: not all of it can be read; `isotherm store repair` tries "
                    "harder\n",
                    stderr);
    return listing->damaged > 0 || status != ST_OK ? EXIT_FAILED : EXIT_OK;
}

int command_store_export(const struct store_request *request)
{
    if (request->gateway[0] == '\0')
        return command_usage("store",
                             "a store does not know its gateway's name: add --gateway NAME, or "
                             "--config CONFIG",
                             NULL);
    int code;
    struct reader *reader = command_store_open(request, READER_SHARES, &code);
    if (reader == NULL) return code;
    struct listing listing;
    struct meta_state state;
    begin_listing(&listing, reader, request, &state);
    enum status status = ST_OK;
    if (request->is_csv) {
        status = list_lanes(&listing, reader, collect_columns);
        for (size_t i = 0; i < listing.column_count; i++)
            (void)printf("%s%s", i > 0 ? "," : "", listing.columns[i]);
        if (listing.column_count > 0) (void)puts("");
    }
    enum status second = list_lanes(&listing, reader, request->is_csv ? export_csv : export_jsonl);
    reader_close(reader);
    return end_listing(&listing, status == ST_OK ? second : status);
}

static void print_member(const char *json, const char *name, const char *format)
{
    struct member member;
    char value[128] = "";
    if (!find_member(json, name, &member)) return;
    bool is_text = member.value[0] == '"';
    size_t size = member.value_size - (is_text ? 2 : 0);
    if (size >= sizeof value) size = sizeof value - 1;
    memcpy(value, member.value + (is_text ? 1 : 0), size);
    (void)fputs(format, stdout);
    (void)fputs(value, stdout);
}

static void print_record(const struct reader_record *found, const char *json)
{
    static const struct {
        const char *name, *before;
    } shown[] = {{"device", "  "},         {"alarm", "  "},       {"kind", " "},
                 {"from", "  "},           {"to", " -> "},        {"value", "  "},
                 {"event_time", "  "},     {"window", "  "},      {"start", "  "},
                 {"revision", "  rev "},   {"count", "  count "}, {"avg", "  avg "},
                 {"min", "  min "},        {"max", "  max "},     {"reason", "  "},
                 {"records", "  records "}};
    bool is_notice = found->record->kind == RECORD_NOTICE;
    const char *lane = found->lane == LANE_ALARM ? "alarm" : is_notice ? "notice" : "summary";
    (void)printf("%-8s %" PRIu64, lane, found->seq);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        print_member(json, shown[i].name, shown[i].before);
    (void)puts("");
}

static bool dump_record(void *context, const struct reader_record *found)
{
    struct listing *listing = context;
    const char *lane = found->lane == LANE_ALARM ? "alarm" : "summary";
    char json[LIMIT_RECORD_JSON];
    bool is_json = listing->request->is_json;
    if (found->status == ST_OK && !command_store_wants(listing->request, found->record))
        return true;
    listing->printed++;
    if (!encode(listing, found, json)) {
        listing->damaged++;
        (void)printf(is_json ? "{\"is\":\"record\",\"lane\":\"%s\",\"seq\":%" PRIu64
                               ",\"bytes\":%zu,\"damaged\":true}\n"
                             : "%-8s %" PRIu64 "  DAMAGED, %zu bytes\n",
                     lane, found->seq, found->size);
    } else if (is_json) {
        (void)printf("{\"is\":\"record\",\"lane\":\"%s\",\"seq\":%" PRIu64
                     ",\"bytes\":%zu,\"damaged\":false,\"record\":%s}\n",
                     lane, found->seq, found->size, json);
    } else {
        print_record(found, json);
    }
    return ferror(stdout) == 0;
}

static void dump_entry(void *context, const void *bytes, size_t size)
{
    struct listing *listing = context;
    uint8_t tag = size > 0 ? *(const uint8_t *)bytes : 0;
    char name[LIMIT_DEVICE_ID_SIZE] = "";
    const char *what = "device";
    struct journal_reader reader;
    if (tag == LEDGER_TAG)
        what = "ledger";
    else if (tag == REPEAT_TAG)
        what = repeat_read_name(bytes, size, name) == ST_OK ? "keys" : "damaged";
    else if (tag == ALARM_GUARD_TAG)
        what = "command";
    else if (tag == BOOT_TIMES_TAG)
        what = "clock";
    else if (tag == ALARM_DESK_TAG)
        what = "commands";
    else if (alarm_engine_is_entry(bytes, size))
        what = "alarm";
    else
        journal_begin_entry(&reader, bytes, size, name);
    if (listing->request->is_json)
        (void)printf("{\"is\":\"journal\",\"batch\":%" PRIu64
                     ",\"of\":\"%s\",\"name\":\"%s\",\"bytes\":%zu}\n",
                     listing->blob_id, what, name, size);
    else
        (void)printf("journal  %" PRIu64 "  %s %s  %zu bytes\n", listing->blob_id, what, name,
                     size);
}

static bool dump_blob(void *context, const struct reader_blob *blob)
{
    struct listing *listing = context;
    listing->blob_id = blob->id;
    if (blob->status != ST_OK) {
        listing->damaged++;
        (void)printf(listing->request->is_json ? "{\"is\":\"journal\",\"batch\":%" PRIu64
                                                 ",\"bytes\":%zu,\"damaged\":true}\n"
                                               : "journal  %" PRIu64 "  DAMAGED, %zu bytes\n",
                     blob->id, blob->size);
    }
    reader_list_entries(blob, dump_entry, listing);
    return ferror(stdout) == 0;
}

static void dump_state(const struct listing *listing, const struct meta_state *state)
{
    (void)printf(listing->request->is_json
                     ? "{\"is\":\"state\",\"epoch\":\"%s\",\"batch\":%" PRIu64
                       ",\"next_seq\":%" PRIu64 ",\"written\":%" PRIu64 ",\"acknowledged\":%" PRIu64
                       ",\"merged\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"waiting_alarms\":%" PRIu64
                       ",\"waiting_summaries\":%" PRIu64 "}\n"
                     : "state    epoch %s  batch %" PRIu64 "  next_seq %" PRIu64
                       "  written %" PRIu64 "  acknowledged %" PRIu64 "  merged %" PRIu64
                       "  dropped %" PRIu64 "  waiting %" PRIu64 " alarms, %" PRIu64 " summaries\n",
                 listing->epoch, state->batch, state->next_seq, state->written, state->acknowledged,
                 state->merged, state->dropped, state->waiting[LANE_ALARM],
                 state->waiting[LANE_WINDOW]);
}

int command_store_dump(const struct store_request *request)
{
    int code;
    struct reader *reader = command_store_open(request, READER_SHARES, &code);
    if (reader == NULL) return code;
    struct listing listing;
    struct meta_state state;
    begin_listing(&listing, reader, request, &state);
    dump_state(&listing, &state);
    enum status status = list_lanes(&listing, reader, dump_record);
    bool is_filtered = request->has_lane || request->device != NULL ||
                       request->from_ms != INT64_MIN || request->to_ms != INT64_MAX;
    if (!is_filtered) {
        enum status journal = reader_list_journal(reader, dump_blob, &listing);
        if (journal != ST_OK) status = journal;
    }
    reader_close(reader);
    return end_listing(&listing, status);
}
