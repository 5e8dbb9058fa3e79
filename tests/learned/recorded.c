/* Invariant: either everything was read or nothing is said to be there. */
#include "recorded.h"

#include "base/decimal.h"
#include "base/event_time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA "data/nab/machine_temperature_system_failure.csv"
#define LABELS "data/nab/machine_temperature_windows.json"

static FILE *open_shared(const char *name)
{
    const char *folder = getenv("ISOTHERM_SHARED");
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : SOURCE_DIR "/../shared",
                   name);
    FILE *file = fopen(path, "r");
    if (file == NULL) printf("%s is not there\n", path);
    return file;
}

static bool take_row(struct recorded *recorded, char *line)
{
    char *comma = strchr(line, ',');
    if (comma == NULL || recorded->row_count == RECORDED_ROWS_MAX) return false;
    struct recorded_row *row = &recorded->rows[recorded->row_count++];
    char *value = comma + 1;
    return event_time_parse(line, (size_t)(comma - line), true, TIME_FORM_ISO, &row->event_ms) ==
               VERDICT_OK &&
           decimal_parse_micro(value, strcspn(value, "\r\n"), DECIMAL_PLAIN, &row->value_micro) ==
               VERDICT_OK;
}

static bool load_rows(struct recorded *recorded)
{
    char line[128];
    FILE *file = open_shared(DATA);
    if (file == NULL) return false;
    bool is_good = fgets(line, sizeof line, file) != NULL; /* the header */
    while (is_good && fgets(line, sizeof line, file) != NULL) is_good = take_row(recorded, line);
    return fclose(file) == 0 && is_good && recorded->row_count > 0;
}

static size_t read_number(const char *line, const char *key)
{
    const char *at = strstr(line, key);
    return at == NULL ? 0 : (size_t)strtoul(at + strlen(key), NULL, 10);
}

static bool load_windows(struct recorded *recorded)
{
    char line[256];
    FILE *file = open_shared(LABELS);
    if (file == NULL) return false;
    size_t first = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        size_t number = read_number(line, "\"first_row\":");
        if (number > 0) first = number;
        number = read_number(line, "\"last_row\":");
        if (number == 0 || recorded->window_count == RECORDED_WINDOWS_MAX) continue;
        recorded->windows[recorded->window_count++] =
            (struct recorded_window){first - 1, number - 1};
    }
    return fclose(file) == 0 && recorded->window_count > 0;
}

bool recorded_load(struct recorded *recorded)
{
    recorded->row_count = recorded->window_count = 0;
    return load_rows(recorded) && load_windows(recorded);
}
