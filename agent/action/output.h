/* output: a horn or lamp that is on while any of its alarms calls for attention.
 *
 * The level is written by a pool thread, into a file (a sysfs LED or GPIO value) or through the
 * kernel's GPIO character device, so a driver that sleeps never stops the loop.  What cannot be
 * written is tried again each second.  Loop thread only. */
#ifndef ISOTHERM_ACTION_OUTPUT_H
#define ISOTHERM_ACTION_OUTPUT_H

#include "action/action.h"

struct output;

/* ST_NO_MEMORY, ST_FULL.  The options are copied; nothing is written yet. */
enum status output_open(struct output **output, const struct action_options *options,
                        struct loop *loop, struct log *log) ISOTHERM_CHECK;

size_t output_size_bytes(void); /* what output_open allocates */

/* An alarm begins to call, or calls no more.  Neither is counted twice. */
void output_add_call(struct output *output, const char *alarm);
void output_remove_call(struct output *output, const char *alarm);

/* Writes the level, also when it has not changed. */
void output_write(struct output *output);

bool output_is_on(const struct output *output);
uint64_t output_count_errors(const struct output *output);

/* Leaves the output as it is.  NULL does nothing. */
void output_close(struct output *output);

#endif
