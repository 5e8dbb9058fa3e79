/* isotherm_documents SOURCE_DIR: writes config/isotherm.full.yaml and the two schemas anew, and
 * what stands between the markers of docs/configuration.md and docs/boards.md. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char begin_marker[] = "<!-- made from the tables: begin -->\n";
static const char end_marker[] = "<!-- made from the tables: end -->";

/* The whole file as text to be freed, or NULL. */
static char *read_file(const char *path)
{
    FILE *in = fopen(path, "r");
    char *text = NULL;
    size_t capacity = 0;
    if (in == NULL) return NULL;
    if (getdelim(&text, &capacity, '\0', in) < 0) {
        free(text);
        text = NULL;
    }
    (void)fclose(in);
    return text;
}

static bool write_file(const char *path, enum config_document document, const char *before,
                       const char *after)
{
    FILE *out = fopen(path, "w");
    if (out == NULL) {
        perror(path);
        return false;
    }
    fputs(before, out);
    bool is_written = config_write_document(document, out) == ST_OK && fputs(after, out) >= 0;
    if (fclose(out) != 0 || !is_written) {
        perror(path);
        return false;
    }
    return true;
}

static bool write_reference(const char *path, enum config_document document)
{
    char *page = read_file(path);
    char *begin = page != NULL ? strstr(page, begin_marker) : NULL;
    char *end = begin != NULL ? strstr(begin, end_marker) : NULL;
    bool is_written = false;
    if (end == NULL) {
        fprintf(stderr, "%s: cannot be read or has no markers\n", path);
    } else {
        char *after = strdup(end);
        begin[sizeof begin_marker - 1] = '\0';
        is_written = after != NULL && write_file(path, document, page, after);
        free(after);
    }
    free(page);
    return is_written;
}

int main(int argc, char **argv)
{
    char path[4096];
    if (argc != 2) {
        fputs("usage: isotherm_documents SOURCE_DIR\n", stderr);
        return EXIT_FAILURE;
    }
    (void)snprintf(path, sizeof path, "%s/config/isotherm.full.yaml", argv[1]);
    bool is_good = write_file(path, CONFIG_EXAMPLE, "", "");
    (void)snprintf(path, sizeof path, "%s/config/isotherm.schema.json", argv[1]);
    is_good = write_file(path, CONFIG_SCHEMA, "", "") && is_good;
    (void)snprintf(path, sizeof path, "%s/docs/configuration.md", argv[1]);
    is_good = write_reference(path, CONFIG_REFERENCE) && is_good;
    (void)snprintf(path, sizeof path, "%s/config/board.schema.json", argv[1]);
    is_good = write_file(path, CONFIG_BOARD_SCHEMA, "", "") && is_good;
    (void)snprintf(path, sizeof path, "%s/docs/boards.md", argv[1]);
    is_good = write_reference(path, CONFIG_BOARD_REFERENCE) && is_good;
    return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
