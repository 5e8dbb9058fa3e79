/* Invariant: every node comes from tree->nodes, so that size and depth of the tree are bounded
 * whatever a file holds, and a node that is not marked bad is exactly what was written. */
#include "config_tree.h"

#include "config_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

struct builder {
    struct config_tree *tree;
    const char *file;
    struct config_node *root;
    struct config_node *open[CONFIG_DEPTH_MAX];        /* maps and lists not yet ended */
    struct config_node *pending_key[CONFIG_DEPTH_MAX]; /* of each, waiting for its value */
    size_t depth;
    unsigned documents;
    bool is_stopped; /* a limit was passed; the rest is not looked at */
};

enum status config_tree_init(struct config_tree *tree, struct config_problems *problems)
{
    *tree = (struct config_tree){.problems = problems};
    tree->nodes = calloc(CONFIG_NODES_MAX, sizeof *tree->nodes);
    tree->files = calloc(CONFIG_FILES_MAX, sizeof *tree->files);
    return tree->nodes == NULL || tree->files == NULL ? ST_NO_MEMORY : ST_OK;
}

void config_tree_fini(struct config_tree *tree)
{
    for (size_t i = 0; i < tree->node_count; i++) free(tree->nodes[i].text);
    free(tree->nodes);
    free(tree->files);
    *tree = (struct config_tree){0};
}

ISOTHERM_PRINTF(3, 0)
static void report(struct config_tree *tree, const struct config_problem *place, const char *format,
                   va_list arguments)
{
    struct config_problems *problems = tree->problems;
    if (!place->is_warning) tree->errors++;
    if (problems->count++ >= problems->capacity) return;
    struct config_problem *problem = &problems->items[problems->count - 1];
    *problem = *place;
    (void)vsnprintf(problem->text, sizeof problem->text, format, arguments);
    for (char *c = problem->text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
    }
    /* Foreign text may have been cut within a character. */
    size_t size = strlen(problem->text), at = 0;
    while (!config_file_is_text(problem->text, size, &at)) problem->text[at] = '?';
}

void config_tree_report(struct config_tree *tree, const char *file, unsigned line, unsigned column,
                        bool is_warning, const char *format, ...)
{
    struct config_problem place = {.line = line, .column = column, .is_warning = is_warning};
    if (file != NULL) (void)snprintf(place.file, sizeof place.file, "%s", file);
    va_list arguments;
    va_start(arguments, format);
    report(tree, &place, format, arguments);
    va_end(arguments);
}

void config_node_report(struct config_tree *tree, const struct config_node *node,
                        const char *format, ...)
{
    struct config_problem place = {.line = node->line, .column = node->column};
    (void)snprintf(place.file, sizeof place.file, "%s", node->file);
    va_list arguments;
    va_start(arguments, format);
    report(tree, &place, format, arguments);
    va_end(arguments);
}

void config_node_rename(struct config_node *key, const char *name)
{
    char *copy = strdup(name);
    if (copy == NULL) return;
    free(key->text);
    key->text = copy;
}

struct config_node *config_node_find(const struct config_node *map, const char *key)
{
    for (struct config_node *child = map->first; child != NULL; child = child->next) {
        if (child->key != NULL && strcmp(child->key->text, key) == 0) return child;
    }
    return NULL;
}

static void append(struct config_node *parent, struct config_node *child)
{
    if (parent->last == NULL) {
        parent->first = child;
    } else {
        parent->last->next = child;
    }
    parent->last = child;
    parent->count++;
}

static struct config_node *make_node(struct builder *builder, enum config_kind kind,
                                     const yaml_mark_t *mark)
{
    struct config_tree *tree = builder->tree;
    unsigned line = (unsigned)mark->line + 1, column = (unsigned)mark->column + 1;
    if (tree->node_count == CONFIG_NODES_MAX) {
        config_tree_report(tree, builder->file, line, column, false,
                           "more than %d values in the configuration", CONFIG_NODES_MAX);
        builder->is_stopped = true;
        return NULL;
    }
    struct config_node *node = &tree->nodes[tree->node_count++];
    *node =
        (struct config_node){.kind = kind, .file = builder->file, .line = line, .column = column};
    return node;
}

struct config_node *config_tree_add_map(struct config_tree *tree)
{
    if (tree->file_count == 0) return NULL;
    struct builder builder = {.tree = tree, .file = tree->files[tree->file_count - 1]};
    return make_node(&builder, CONFIG_MAP, &(yaml_mark_t){0});
}

static void spoil(struct builder *builder, struct config_node *node, const char *problem)
{
    if (!node->is_bad) config_node_report(builder->tree, node, "%s", problem);
    node->is_bad = true;
}

static void expand(struct builder *builder, struct config_node *node)
{
    char expanded[CONFIG_SCALAR_MAX_BYTES + 1], problem[256];
    if (node->is_bad || strchr(node->text, '$') == NULL) return;
    if (config_expand_text(node->text, expanded, sizeof expanded, problem, sizeof problem) !=
        ST_OK) {
        spoil(builder, node, problem);
        return;
    }
    char *copy = strdup(expanded);
    if (copy == NULL) {
        spoil(builder, node, "out of memory");
        return;
    }
    free(node->text);
    node->text = copy;
}

static void add_to_map(struct builder *builder, struct config_node *map, struct config_node *node)
{
    struct config_node **pending = &builder->pending_key[builder->depth - 1];
    struct config_node *key = *pending;
    if (key == NULL) {
        if (node->kind != CONFIG_SCALAR) spoil(builder, node, "a key must be a word");
        *pending = node;
        return;
    }
    *pending = NULL;
    if (node->kind == CONFIG_SCALAR) expand(builder, node);
    if (key->is_bad) return;
    const struct config_node *first = config_node_find(map, key->text);
    if (first != NULL) {
        config_node_report(builder->tree, key, "key \"%.64s\" is there twice; first in line %u",
                           key->text, first->key->line);
        return;
    }
    node->key = key;
    append(map, node);
}

static void add_node(struct builder *builder, struct config_node *node)
{
    struct config_node *parent = builder->depth > 0 ? builder->open[builder->depth - 1] : NULL;
    if (parent != NULL && parent->kind == CONFIG_MAP) {
        add_to_map(builder, parent, node);
        return;
    }
    if (node->kind == CONFIG_SCALAR) expand(builder, node);
    if (parent == NULL) {
        builder->root = node;
    } else {
        append(parent, node);
    }
}

static bool is_null_word(const char *text)
{
    return text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 ||
           strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0;
}

static void refuse_anchor_and_tag(struct builder *builder, struct config_node *node,
                                  const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor != NULL) spoil(builder, node, "anchors (&) are not supported");
    if (tag != NULL) spoil(builder, node, "tags (!) are not supported");
}

static void take_scalar(struct builder *builder, const yaml_event_t *event)
{
    struct config_node *node = make_node(builder, CONFIG_SCALAR, &event->start_mark);
    if (node == NULL) return;
    const char *text = (const char *)event->data.scalar.value;
    size_t size = event->data.scalar.length;
    if (size > CONFIG_SCALAR_MAX_BYTES) {
        spoil(builder, node, "is longer than any value may be");
        size = 0;
    } else if (strlen(text) != size) {
        spoil(builder, node, "a NUL character cannot stand in a value");
    }
    node->text = strndup(text, size);
    if (node->text == NULL) {
        spoil(builder, node, "out of memory");
        builder->is_stopped = true;
        return;
    }
    node->is_null = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && is_null_word(text);
    refuse_anchor_and_tag(builder, node, event->data.scalar.anchor, event->data.scalar.tag);
    add_node(builder, node);
}

static void take_alias(struct builder *builder, const yaml_event_t *event)
{
    struct config_node *node = make_node(builder, CONFIG_SCALAR, &event->start_mark);
    if (node == NULL) return;
    spoil(builder, node, "aliases (*) are not supported; put text that begins with * in quotes");
    node->text = strdup("");
    if (node->text == NULL) {
        builder->is_stopped = true;
        return;
    }
    add_node(builder, node);
}

static void take_start(struct builder *builder, const yaml_event_t *event)
{
    bool is_map = event->type == YAML_MAPPING_START_EVENT;
    struct config_node *node =
        make_node(builder, is_map ? CONFIG_MAP : CONFIG_LIST, &event->start_mark);
    if (node == NULL) return;
    if (builder->depth == CONFIG_DEPTH_MAX) {
        config_node_report(builder->tree, node, "nested more than %d levels deep",
                           CONFIG_DEPTH_MAX);
        builder->is_stopped = true;
        return;
    }
    refuse_anchor_and_tag(builder, node,
                          is_map ? event->data.mapping_start.anchor
                                 : event->data.sequence_start.anchor,
                          is_map ? event->data.mapping_start.tag : event->data.sequence_start.tag);
    add_node(builder, node);
    builder->pending_key[builder->depth] = NULL;
    builder->open[builder->depth++] = node;
}

static void take_document(struct builder *builder, const yaml_event_t *event)
{
    if (builder->documents++ == 0) return;
    config_tree_report(builder->tree, builder->file, (unsigned)event->start_mark.line + 1,
                       (unsigned)event->start_mark.column + 1, false,
                       "a second document; a file holds one configuration");
    builder->is_stopped = true;
}

static void take_event(struct builder *builder, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        take_document(builder, event);
        break;
    case YAML_SCALAR_EVENT:
        take_scalar(builder, event);
        break;
    case YAML_ALIAS_EVENT:
        take_alias(builder, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        take_start(builder, event);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        builder->depth--;
        break;
    default:
        break;
    }
}

/* Whether a tab stands at the parser's place or in the indentation before it. */
static bool is_tab_there(const char *bytes, size_t size, const yaml_mark_t *mark)
{
    size_t at = 0;
    for (size_t line = 0; line < mark->line && at < size; at++) {
        if (bytes[at] == '\n') line++;
    }
    for (size_t column = 0; at < size && column <= mark->column; column++, at++) {
        if (bytes[at] == '\t') return true;
        if (bytes[at] != ' ') return false;
    }
    return false;
}

static void report_syntax(struct builder *builder, const yaml_parser_t *parser, const char *bytes,
                          size_t size)
{
    const yaml_mark_t *mark = &parser->problem_mark;
    const char *problem = parser->problem != NULL ? parser->problem : "not YAML";
    const char *context = parser->context != NULL ? parser->context : "";
    if (parser->error == YAML_READER_ERROR || parser->error == YAML_MEMORY_ERROR) {
        mark = &parser->mark;
    } else if (is_tab_there(bytes, size, mark)) {
        problem = "a tab in the indentation; use blanks";
        context = "";
    }
    config_tree_report(builder->tree, builder->file, (unsigned)mark->line + 1,
                       (unsigned)mark->column + 1, false, "%s%s%s", problem,
                       context[0] == '\0' ? "" : " ", context);
}

static enum status parse(struct builder *builder, const char *bytes, size_t size)
{
    yaml_parser_t parser;
    yaml_event_t event;
    bool is_end = false;
    if (!yaml_parser_initialize(&parser)) return ST_NO_MEMORY;
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, size);
    while (!is_end && !builder->is_stopped) {
        if (!yaml_parser_parse(&parser, &event)) {
            report_syntax(builder, &parser, bytes, size);
            builder->is_stopped = true;
            break;
        }
        is_end = event.type == YAML_STREAM_END_EVENT;
        take_event(builder, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return builder->is_stopped ? ST_INVALID : ST_OK;
}

enum status config_tree_read(struct config_tree *tree, const char *path, struct config_node **root)
{
    char *bytes = NULL;
    size_t size = 0;
    *root = NULL;
    if (tree->file_count == CONFIG_FILES_MAX || strlen(path) >= LIMIT_PATH_SIZE) {
        config_tree_report(tree, path, 0, 0, false,
                           tree->file_count == CONFIG_FILES_MAX ? "one file too many"
                                                                : "the path is too long");
        return ST_INVALID;
    }
    char *file = tree->files[tree->file_count++];
    (void)snprintf(file, LIMIT_PATH_SIZE, "%s", path);
    enum status status = config_file_read(tree, path, &bytes, &size);
    if (status != ST_OK) return status;
    struct builder builder = {.tree = tree, .file = file};
    status = parse(&builder, bytes, size);
    free(bytes);
    if (status != ST_OK) return status;
    struct config_node *top = builder.root;
    if (top == NULL || top->is_null) return ST_OK;
    if (top->kind == CONFIG_MAP) {
        *root = top;
        return ST_OK;
    }
    spoil(&builder, top, "the file must be a group of keys such as \"gateway: line-7\"");
    return ST_INVALID;
}

static void replace(struct config_node *map, struct config_node *old, struct config_node *child)
{
    struct config_node *before = NULL;
    for (struct config_node *at = map->first; at != old; at = at->next) before = at;
    child->next = old->next;
    if (before == NULL) {
        map->first = child;
    } else {
        before->next = child;
    }
    if (map->last == old) map->last = child;
}

/* Recursion is bounded by CONFIG_DEPTH_MAX. */
void config_tree_merge(struct config_node *base, struct config_node *over)
{
    struct config_node *next = NULL;
    for (struct config_node *child = over->first; child != NULL; child = next) {
        next = child->next;
        child->next = NULL;
        struct config_node *old = config_node_find(base, child->key->text);
        if (old == NULL) {
            append(base, child);
        } else if (old->kind == CONFIG_MAP && child->kind == CONFIG_MAP) {
            config_tree_merge(old, child);
        } else if (old->kind == CONFIG_LIST && child->kind == CONFIG_LIST) {
            if (child->first == NULL) continue;
            if (old->last == NULL) {
                old->first = child->first;
            } else {
                old->last->next = child->first;
            }
            old->last = child->last;
            old->count += child->count;
        } else {
            replace(base, old, child);
        }
    }
    over->first = over->last = NULL;
}
