/* json_oracle: holds our JSON scanner against cJSON. */
#ifndef ISOTHERM_FUZZ_JSON_ORACLE_H
#define ISOTHERM_FUZZ_JSON_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

/* Scans the text; when the scanner takes it, cJSON must take it too, and every value in it must be
 * found by its pointer with the same type and value.  Aborts when that is not so.  Returns whether
 * it was taken. */
bool json_oracle_compare(const char *text, size_t size);

#endif
