/* Invariant: every node is either read into its member or has a problem reported at its place.
 *
 * What is wrong does not hide what else is wrong: a mistyped key is reported and then read as the
 * one that was meant, and what several values must be together is checked as far as they are
 * good. */
#include "config_fill.h"

#include "config_tables.h"

#include <stdio.h>
#include <string.h>

static const char *kind_name(const struct config_node *node)
{
    static const char *const names[] = {"a single value", "a group of keys", "a list"};
    return names[node->kind];
}

static bool is_empty(const struct config_node *node)
{
    return node->kind == CONFIG_SCALAR && node->is_null;
}

void config_fill_scalar(struct config_tree *tree, const struct field *field,
                        const struct config_node *node, void *options)
{
    char problem[200];
    if (node->kind != CONFIG_SCALAR) {
        config_node_report(tree, node, "%s: must be a single value, not %s", field->name,
                           kind_name(node));
    } else if (node->is_null) {
        config_node_report(tree, node, "%s: has no value%s", field->name,
                           field->type == FIELD_TEXT ? "; write \"\" for an empty text" : "");
    } else if (field_set_text(field, options, node->text, problem, sizeof problem) != ST_OK) {
        config_node_report(tree, node, "%s: %s", field->name, problem);
    }
}

static void fill_item(struct config_tree *tree, const struct field_table *table,
                      const struct config_node *item, void *member)
{
    bool is_single = table->scalar_name != NULL && item->kind == CONFIG_SCALAR && !item->is_null;
    if (is_single && !item->is_bad)
        config_fill_scalar(tree, field_find(table, table->scalar_name), item, member);
    else
        config_fill_group(tree, table, item, member, NULL);
}

static void fill_list(struct config_tree *tree, const struct field *field,
                      const struct config_node *node, void *options)
{
    size_t count = 0;
    if (node->kind == CONFIG_LIST && node->count > field->max_count) {
        config_node_report(tree, node, "%s: %zu items, where at most %u are possible", field->name,
                           node->count, field->max_count);
    } else if (node->kind != CONFIG_LIST && !is_empty(node)) {
        config_node_report(tree, node, "%s: must be a list, not %s; begin each item with \"- \"",
                           field->name, kind_name(node));
        return;
    }
    if (node->count == 0 && field->is_required) {
        config_node_report(tree, node, "%s: needs at least one item", field->name);
    }
    if (field->fields == &config_source_table) {
        config_fill_sources(tree, node, options);
        return;
    }
    for (const struct config_node *item = node->first; item != NULL && count < field->max_count;
         item = item->next) {
        char *member = (char *)field_member(field, options) + count * field->size;
        memset(member, 0, field->size);
        if (field_set_defaults(field->fields, member) != ST_OK) {
            config_node_report(tree, item, "%s: a built-in default is wrong", field->name);
        }
        fill_item(tree, field->fields, item, member);
        count++;
    }
    memcpy((char *)options + field->count_offset, &count, sizeof count);
}

static bool is_left_out(struct config_tree *tree, const struct field *field,
                        const struct config_node *node)
{
    if (!field_is_nested(field) || field->fields->left_out == NULL) return false;
    config_node_report(tree, node, "%s: not compiled into this program (%s was OFF)", field->name,
                       field->fields->left_out);
    return true;
}

static void fill_field(struct config_tree *tree, const struct field *field,
                       struct config_node *node, void *options)
{
    size_t errors_before = tree->errors;
    if (node->is_bad || is_left_out(tree, field, node)) return;
    if (field->type == FIELD_GROUP) {
        config_fill_group(tree, field->fields, node, field_member(field, options), NULL);
        field_mark_given(field, options);
    } else if (field->type == FIELD_LIST) {
        fill_list(tree, field, node, options);
        field_mark_given(field, options);
    } else {
        config_fill_scalar(tree, field, node, options);
        node->is_bad = tree->errors > errors_before;
    }
}

static void report_unknown(struct config_tree *tree, const struct field_table *table,
                           const struct config_node *key, const char *nearest)
{
    if (nearest != NULL) {
        config_node_report(tree, key, "unknown key \"%.64s\"; did you mean \"%s\"?", key->text,
                           nearest);
        return;
    }
    char names[192];
    struct text known;
    text_init(&known, names, sizeof names);
    for (size_t i = 0; i < table->count; i++) {
        if (i > 0) text_add(&known, ", ");
        text_add(&known, table->fields[i].name);
    }
    config_node_report(tree, key, "unknown key \"%.64s\"%s%s", key->text,
                       known.is_cut ? "" : "; known here: ", known.is_cut ? "" : names);
}

static bool is_nearer(const char *name, const char *known, const char *other)
{
    size_t distance = field_name_distance(name, known);
    return distance < (other != NULL ? field_name_distance(name, other) : SIZE_MAX);
}

/* Reports every key that the table does not know; one that was mistyped gets the name that was
 * meant, unless that is there as well. */
static void mend_keys(struct config_tree *tree, const struct field_table *table,
                      const struct config_node *node, const char *skip)
{
    for (const struct config_node *child = node->first; child != NULL; child = child->next) {
        const char *name = child->key->text;
        if (field_find(table, name) != NULL) continue;
        if (skip != NULL && strcmp(skip, name) == 0) continue;
        const char *nearest = field_find_nearest(table, name);
        if (skip != NULL && is_nearer(name, skip, nearest)) nearest = skip;
        report_unknown(tree, table, child->key, nearest);
        if (nearest != NULL && config_node_find(node, nearest) == NULL)
            config_node_rename(child->key, nearest);
    }
}

/* Where the table's own check says what does not fit together. */
struct check_context {
    struct config_tree *tree;
    const struct field_table *table;
    const struct config_node *node;
};

/* Whether a complaint about this value only follows from what was reported already: it is bad,
 * or it is missing where it is required or something else is bad. */
static bool is_consequence(const struct check_context *check, const char *name,
                           const struct config_node *value)
{
    if (value != NULL) return value->is_bad;
    const struct field *field = field_find(check->table, name);
    if (field != NULL && field->is_required) return true;
    for (const struct config_node *other = check->node->first; other != NULL; other = other->next) {
        if (other->is_bad) return true;
    }
    return false;
}

static void add_check_problem(void *context, const char *field_name, const char *problem)
{
    const struct check_context *check = context;
    const struct config_node *at = config_node_find(check->node, field_name);
    if (is_consequence(check, field_name, at)) return;
    config_node_report(check->tree, at != NULL ? at : check->node, "%s: %s", field_name, problem);
}

static void add_check_warning(void *context, const char *field_name, const char *problem)
{
    const struct check_context *check = context;
    const struct config_node *at = config_node_find(check->node, field_name);
    if (is_consequence(check, field_name, at)) return;
    if (at == NULL) at = check->node;
    config_tree_report(check->tree, at->file, at->line, at->column, true, "%s: %s", field_name,
                       problem);
}

static void check_group(struct config_tree *tree, const struct field_table *table,
                        const struct config_node *node, const void *options)
{
    struct check_context context = {.tree = tree, .table = table, .node = node};
    const struct field_report report = {
        .add = add_check_problem, .warn = add_check_warning, .context = &context};
    if (table->check != NULL) table->check(options, &report);
}

static void report_missing(struct config_tree *tree, const struct field_table *table,
                           const struct config_node *node)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct field *field = &table->fields[i];
        if (!field->is_required || config_node_find(node, field->name) != NULL) continue;
        config_node_report(tree, node, "key \"%s\" is missing", field->name);
    }
}

void config_fill_group(struct config_tree *tree, const struct field_table *table,
                       const struct config_node *node, void *options, const char *skip)
{
    if (node->is_bad) return;
    if (node->kind != CONFIG_MAP && !is_empty(node)) {
        config_node_report(tree, node, "must be a group of keys, not %s", kind_name(node));
        return;
    }
    mend_keys(tree, table, node, skip);
    for (struct config_node *child = node->first; child != NULL; child = child->next) {
        const struct field *field = field_find(table, child->key->text);
        if (field != NULL) fill_field(tree, field, child, options);
    }
    report_missing(tree, table, node);
    check_group(tree, table, node, options);
}
