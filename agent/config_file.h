/* config_file: the bytes of a configuration file, checked to be text.  Loop thread, at start. */
#ifndef ISOTHERM_CONFIG_FILE_H
#define ISOTHERM_CONFIG_FILE_H

#include "config_tree.h"

/* Reads a regular file of at most CONFIG_FILE_MAX_BYTES into *bytes, which the caller frees, and
 * reports what is wrong under the name `path`.  ST_IO: cannot be read; ST_INVALID: too large, or
 * not UTF-8 text; *bytes is NULL then. */
enum status config_file_read(struct config_tree *tree, const char *path, char **bytes,
                             size_t *size) ISOTHERM_CHECK;

/* Whether all bytes are valid UTF-8 without NUL; if not, *at is the first that is wrong. */
bool config_file_is_text(const char *bytes, size_t size, size_t *at);

/* Replaces ${VAR}, ${VAR:-default} and $$ in `text`; a $ before anything else stands for itself.
 * ST_INVALID: a variable that is not set, a form that is not one of these, or a result that does
 * not fit into `capacity`; `problem` says which. */
enum status config_expand_text(const char *text, char *expanded, size_t capacity, char *problem,
                               size_t problem_size) ISOTHERM_CHECK;

#endif
