/* Do the recorded payloads still give exactly these readings and verdicts?
 *
 * run_replay NAME.log compares with NAME.expected; with ISOTHERM_UPDATE set it writes that file
 * anew instead.  Exit 77: the driver is not compiled in. */
#include "replay/recording.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { OUTPUT_SIZE = 1 << 20, SKIPPED = 77 };

static void print_reading(void *context, const struct reading *reading)
{
    struct text *text = context;
    text_add(text, "    ");
    text_add(text, reading->device);
    text_add(text, " ");
    text_add_micro(text, reading->value_micro);
    if (reading->has_event_time) {
        text_add(text, " at ");
        text_add_time(text, reading->event_ms);
    }
    text_add(text, "\n");
}

static bool decode_all(struct recording *recording, struct text *output)
{
    static char found[OUTPUT_SIZE / 4];
    const char *address, *payload;
    size_t size;
    while (recording_next(recording, &address, &payload, &size)) {
        struct text readings;
        text_init(&readings, found, sizeof found);
        const char *detail = NULL;
        enum verdict verdict =
            recording->driver->decode(recording->options, address, payload, size,
                                      recording->now_wall_ms, print_reading, &readings, &detail);
        text_add(output, "line ");
        text_add_uint(output, recording->line_number);
        text_add(output, ": ");
        text_add(output, verdict_name(verdict));
        text_add(output, "\n");
        text_add(output, readings.bytes);
        if (readings.is_cut || output->is_cut) return false;
    }
    return true;
}

static bool write_file(const char *path, const struct text *output)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) return false;
    bool is_written = fwrite(output->bytes, 1, output->size, file) == output->size;
    return fclose(file) == 0 && is_written;
}

/* Says where the two begin to differ. */
static bool compare_file(const char *path, const struct text *output)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        return false;
    }
    const char *got = output->bytes;
    char line[4096];
    bool is_same = true;
    while (is_same && fgets(line, sizeof line, file) != NULL) {
        is_same = strncmp(line, got, strlen(line)) == 0;
        if (is_same) got += strlen(line);
    }
    if (is_same && *got != '\0') {
        is_same = false;
        snprintf(line, sizeof line, "(the end)\n");
    }
    (void)fclose(file);
    if (!is_same)
        fprintf(stderr, "%s: expected: %s%*sgot: %.*s\n", path, line, 0, "",
                (int)strcspn(got, "\n"), got);
    return is_same;
}

static int replay(struct recording *recording, const char *expected_path)
{
    static char bytes[OUTPUT_SIZE];
    struct text output;
    text_init(&output, bytes, sizeof bytes);
    if (!decode_all(recording, &output) || output.size == 0) {
        fprintf(stderr, "the recording is empty or too long\n");
        return 1;
    }
    if (getenv("ISOTHERM_UPDATE") != NULL) return write_file(expected_path, &output) ? 0 : 1;
    return compare_file(expected_path, &output) ? 0 : 1;
}

int main(int argument_count, char **arguments)
{
    char path[4096];
    size_t size = argument_count == 2 ? strlen(arguments[1]) : 0;
    if (size < 4 || size + 8 > sizeof path || strcmp(arguments[1] + size - 4, ".log") != 0) {
        fprintf(stderr, "usage: run_replay NAME.log\n");
        return 2;
    }
    snprintf(path, sizeof path, "%.*s.expected", (int)(size - 4), arguments[1]);
    static struct recording recording;
    int result = 1;
    if (recording_open(&recording, arguments[1]))
        result = recording.driver->is_compiled ? replay(&recording, path) : SKIPPED;
    if (result == SKIPPED) printf("skipped: the driver is not compiled in\n");
    recording_close(&recording);
    return result;
}
