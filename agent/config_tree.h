/* config_tree: what YAML files say, as a tree of nodes that know their file, line and column.
 *
 * Reads a safe subset of YAML: one document, no anchors, aliases or tags, no duplicate keys, with
 * limits on size, depth and number of nodes.  ${VAR} and ${VAR:-default} in scalar values are
 * expanded from the environment after parsing, so that no variable can add structure; $$ is $.
 * Knows nothing of which keys exist.  Loop thread, at start. */
#ifndef ISOTHERM_CONFIG_TREE_H
#define ISOTHERM_CONFIG_TREE_H

#include "base/status.h"
#include "config.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    CONFIG_FILE_MAX_BYTES = 1 << 20,
    CONFIG_SCALAR_MAX_BYTES = 4096,
    CONFIG_NODES_MAX = 10000, /* in all files together */
    CONFIG_DEPTH_MAX = 32,
    CONFIG_FILES_MAX = 64
};

enum config_kind { CONFIG_SCALAR, CONFIG_MAP, CONFIG_LIST };

struct config_node {
    enum config_kind kind;
    bool is_null;                            /* SCALAR: nothing, ~ or null was written */
    bool is_bad;                             /* a problem with it was reported already */
    const char *file;                        /* of the tree */
    unsigned line, column;                   /* from 1 */
    char *text;                              /* SCALAR: after expansion, NUL-terminated */
    size_t count;                            /* of children */
    struct config_node *key;                 /* child of a MAP: the scalar it stands under */
    struct config_node *first, *last, *next; /* children; the next one of the same parent */
};

/* Owns the nodes and collects the problems.  The fields are private but for `errors`. */
struct config_tree {
    struct config_problems *problems; /* of the caller */
    size_t errors;                    /* reported so far, warnings not counted */
    struct config_node *nodes;
    size_t node_count;
    char (*files)[LIMIT_PATH_SIZE];
    size_t file_count;
};

/* Makes an empty tree.  `problems` stays the caller's.  ST_NO_MEMORY.  Release with
 * config_tree_fini in any case. */
enum status config_tree_init(struct config_tree *tree,
                             struct config_problems *problems) ISOTHERM_CHECK;
void config_tree_fini(struct config_tree *tree);

/* Reads one file.  *root is NULL when the file says nothing or could not be read.  ST_IO: it
 * cannot be read; ST_INVALID: not YAML, or beyond a limit; in both cases the problem is reported.
 * Problems of single nodes are reported too, and the nodes marked bad, under ST_OK. */
enum status config_tree_read(struct config_tree *tree, const char *path,
                             struct config_node **root) ISOTHERM_CHECK;

/* A map without keys at the beginning of the file last read, or NULL when there is no room. */
struct config_node *config_tree_add_map(struct config_tree *tree);

/* Puts `over` on top of `base`, both maps: scalars are replaced, maps merged, lists appended. */
void config_tree_merge(struct config_node *base, struct config_node *over);

/* The value under that key of a map, or NULL. */
struct config_node *config_node_find(const struct config_node *map, const char *key);

/* Gives a key another name.  Without memory it keeps the one it has. */
void config_node_rename(struct config_node *key, const char *name);

/* Reports a problem, an error unless is_warning.  `file` NULL: none. */
void config_tree_report(struct config_tree *tree, const char *file, unsigned line, unsigned column,
                        bool is_warning, const char *format, ...) ISOTHERM_PRINTF(6, 7);

/* The same with the place of a node, as an error. */
void config_node_report(struct config_tree *tree, const struct config_node *node,
                        const char *format, ...) ISOTHERM_PRINTF(3, 4);

#endif
