/* config_writers: the three documents made from the field tables.  stdio only; whether writing
 * failed is asked of the stream at the end.  Start-up and build time only. */
#ifndef ISOTHERM_CONFIG_WRITERS_H
#define ISOTHERM_CONFIG_WRITERS_H

#include "base/field.h"

#include <stdio.h>

enum { CONFIG_DOCUMENT_PATH_SIZE = 160 };

void config_write_schema(FILE *out);
void config_write_reference(FILE *out);
void config_write_example(FILE *out);
void config_write_board_schema(FILE *out);
void config_write_board_reference(FILE *out);

/* What a row means: its own help or that of its table. */
const char *config_help(const struct field *field);

/* The values a row takes as a phrase, e.g. "duration, 100ms to 366d". */
void config_describe_values(const struct field *field, char *words, size_t capacity);

/* Writes "path.name", or "name" where path is "". */
void config_join_path(char *joined, const char *path, const char *name);

/* Rows of a source: the common ones, and the driver's. */
bool config_is_source_list(const struct field *field);

/* What the full example shows for the row at that dotted path ("sources.mqtt.broker") in place of
 * its default, or NULL. */
const char *config_find_example(const char *path, const struct field *field);

#endif
