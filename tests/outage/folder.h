/* folder: the directory that a plant's store lies in. */
#ifndef ISOTHERM_TESTS_OUTAGE_FOLDER_H
#define ISOTHERM_TESTS_OUTAGE_FOLDER_H

#include <stdint.h>

int64_t folder_measure_bytes(const char *folder); /* of all files */
void folder_remove(const char *folder);           /* with its files */

#endif
