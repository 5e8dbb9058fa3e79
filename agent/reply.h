/* reply: members of the JSON objects that the agent answers with, for the commands that show them
 * to a person.  What is missing or of another type reads as 0, "" or false.  Pure. */
#ifndef ISOTHERM_REPLY_H
#define ISOTHERM_REPLY_H

#include <cjson/cJSON.h>
#include <stdbool.h>

double reply_number(const cJSON *object, const char *name);
const char *reply_text(const cJSON *object, const char *name); /* lives as long as the object */
bool reply_is_true(const cJSON *object, const char *name);

#endif
