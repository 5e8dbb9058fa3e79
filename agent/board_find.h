/* board_find: looks for the profiles on the disk, recognises the machine, reads the profile that
 * fits.
 *
 * Directories are looked at in this order, and of two profiles of one name the first counts: those
 * that were given, /etc/isotherm/boards, the source tree's when the program lies in a build tree,
 * and those installed beside the program or in /usr/share.  A directory holds one folder per board
 * with its board.yaml, or a board.yaml itself; what is given may also be a profile's file.  Loop
 * thread, at start. */
#ifndef ISOTHERM_BOARD_FIND_H
#define ISOTHERM_BOARD_FIND_H

#include "board.h"
#include "config_tree.h"

/* From the environment: ISOTHERM_BOARDS, ISOTHERM_ROOT. */
struct board_search board_search_default(void);

/* Asks the machine; what it does not say stays empty. */
void board_read_facts(struct board_facts *facts, const char *root);

/* Fills *board with the profile called `name`, or with "auto" the one that fits best; where none
 * fits, with the one called generic, or with the defaults of the table.  Problems of a profile are
 * reported in `tree` with its file, line and column: as errors, or as warnings when the profile
 * was only looked at and does not fit.  `place` is where `name` was written; NULL: nowhere.
 * ST_NOT_FOUND, reported at `place`: no such profile; *board then holds the defaults. */
enum status board_find(struct config_tree *tree, const struct board_search *search,
                       const char *name, const struct config_node *place, struct board *board,
                       struct board_found *found) ISOTHERM_CHECK;

/* Calls fn for every profile that can be read, in the order in which they count, those behind a
 * namesake left out.  Every problem of every profile is reported as an error. */
void board_list(struct config_tree *tree, const struct board_search *search,
                void (*fn)(void *context, const struct board *board), void *context);

#endif
