/* Invariant: at the store's path there is the damaged store, or the new one; the damaged one is
 * kept, and nothing is moved before the new one is whole on the disk. */
#include "command_store.h"

#include "store/quarantine.h"
#include "store/salvage.h"
#include "store/store_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void show_progress(void *context, uint64_t records)
{
    (void)context;
    if (isatty(STDERR_FILENO) != 0)
        (void)fprintf(stderr, "\rsaved %" PRIu64 " records and journal entries", records);
}

static void end_progress(void)
{
    if (isatty(STDERR_FILENO) != 0) (void)fputs("\r\033[K", stderr);
}

static void print_text(const struct salvage_report *report)
{
    uint64_t scanned = report->scanned[LANE_ALARM] + report->scanned[LANE_WINDOW];
    (void)printf("saved     %" PRIu64 " alarms, %" PRIu64 " summaries", report->saved[LANE_ALARM],
                 report->saved[LANE_WINDOW]);
    if (scanned > 0) (void)printf(", %" PRIu64 " of them from pages out of reach", scanned);
    (void)printf("\njournal   %" PRIu64 " batches saved, %" PRIu64 " damaged%s\n", report->blobs,
                 report->damaged_blobs,
                 report->is_complete ? "" : "; readings in open windows may be missing");
    if (report->is_lost_known)
        (void)printf("lost      %" PRIu64 " records\n", report->lost);
    else
        (void)printf("lost      not known: the counters are gone\n");
    if (report->unreadable_pages > 0)
        (void)printf("unread    %" PRIu64 " pages that the disk does not give back\n",
                     report->unreadable_pages);
    if (report->has_state)
        (void)printf("numbers   go on, the epoch is the same\n");
    else
        (void)printf("numbers   a new epoch: what was sent already comes again as new\n");
}

static void print_json(const struct salvage_report *report, const char *aside_path)
{
    (void)printf("{\"saved_alarms\":%" PRIu64 ",\"saved_summaries\":%" PRIu64
                 ",\"out_of_reach\":%" PRIu64 ",\"journal_batches\":%" PRIu64
                 ",\"journal_damaged\":%" PRIu64 ",",
                 report->saved[LANE_ALARM], report->saved[LANE_WINDOW],
                 report->scanned[LANE_ALARM] + report->scanned[LANE_WINDOW], report->blobs,
                 report->damaged_blobs);
    if (report->is_lost_known)
        (void)printf("\"lost\":%" PRIu64, report->lost);
    else
        (void)printf("\"lost\":null");
    (void)printf(",\"unreadable_pages\":%" PRIu64 ",\"same_epoch\":%s,\"repaired\":%s",
                 report->unreadable_pages, report->has_state ? "true" : "false",
                 aside_path != NULL ? "true" : "false");
    if (aside_path != NULL) (void)printf(",\"aside\":\"%s\"", aside_path);
    (void)puts("}");
}

static bool is_confirmed(const struct store_request *request)
{
    if (request->is_confirmed) return true;
    if (isatty(STDIN_FILENO) == 0) return false;
    (void)fprintf(stderr, "Put the new store in place of %s and keep the old one? [y/N] ",
                  request->path);
    char answer[16] = "";
    return fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

/* Without a log: the words of a start that sets a damaged store aside would be wrong here. */
static bool exchange(struct reader *reader, const char *repaired, char *aside_path)
{
    const char *path = reader_path(reader);
    errno = 0;
    if (quarantine_move(path, NULL, aside_path) == ST_OK && rename(repaired, path) == 0 &&
        store_file_sync_directory(path, NULL) == ST_OK)
        return true;
    (void)fprintf(stderr,
                  "isotherm store: the files could not be exchanged: %s; the new store is %s\n",
                  strerror(errno), repaired);
    return false;
}

static int finish(const struct store_request *request, struct reader *reader, const char *repaired,
                  const struct salvage_report *report)
{
    if (!request->is_json) print_text(report);
    (void)fflush(stdout);
    if (!is_confirmed(request)) {
        (void)unlink(repaired);
        if (request->is_json) print_json(report, NULL);
        (void)fputs("isotherm store: nothing was changed; --yes puts the new store in place\n",
                    stderr);
        return EXIT_FAILED;
    }
    char aside_path[STORE_FILE_PATH_SIZE];
    if (!exchange(reader, repaired, aside_path)) return EXIT_FAILED;
    if (request->is_json)
        print_json(report, aside_path);
    else
        (void)printf("repaired  %s; the damaged one is %s\n", reader_path(reader), aside_path);
    return EXIT_OK;
}

int command_store_repair(const struct store_request *request)
{
    int code;
    struct reader *reader = command_store_open(request, READER_OWNS, &code);
    if (reader == NULL) return code;
    if (command_store_is_sound(request, reader)) {
        (void)fprintf(stderr, "isotherm store: %s is sound: there is nothing to repair\n",
                      reader_path(reader));
        reader_close(reader);
        return EXIT_OK;
    }
    char repaired[STORE_FILE_PATH_SIZE];
    store_file_join(repaired, reader_path(reader), ".repaired");
    (void)unlink(repaired); /* of a try that was cut short */
    struct salvage_report report;
    enum status status =
        salvage_store(reader, repaired, request->log, show_progress, NULL, &report);
    end_progress();
    if (status == ST_OK)
        code = finish(request, reader, repaired, &report);
    else
        code = EXIT_FAILED;
    if (status != ST_OK)
        (void)fprintf(stderr, "isotherm store: %s cannot be written: %s; nothing was changed\n",
                      repaired, status_text(status));
    reader_close(reader);
    return code;
}
