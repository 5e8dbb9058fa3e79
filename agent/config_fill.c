/* Invariant: every node is either read into its member or has a problem reported at its place. */
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
                       const struct config_node *node, void *options)
{
    if (node->is_bad || is_left_out(tree, field, node)) return;
    if (field->type == FIELD_GROUP) {
        config_fill_group(tree, field->fields, node, field_member(field, options), NULL);
        field_mark_given(field, options);
    } else if (field->type == FIELD_LIST) {
        fill_list(tree, field, node, options);
        field_mark_given(field, options);
    } else {
        config_fill_scalar(tree, field, node, options);
    }
}

static void report_unknown(struct config_tree *tree, const struct field_table *table,
                           const struct config_node *key)
{
    const char *nearest = field_find_nearest(table, key->text);
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

/* Where the table's own check says what does not fit together. */
struct check_context {
    struct config_tree *tree;
    const struct config_node *node;
};

static void add_check_problem(void *context, const char *field_name, const char *problem)
{
    const struct check_context *check = context;
    const struct config_node *at = config_node_find(check->node, field_name);
    config_node_report(check->tree, at != NULL ? at : check->node, "%s: %s", field_name, problem);
}

static void add_check_warning(void *context, const char *field_name, const char *problem)
{
    const struct check_context *check = context;
    const struct config_node *at = config_node_find(check->node, field_name);
    if (at == NULL) at = check->node;
    config_tree_report(check->tree, at->file, at->line, at->column, true, "%s: %s", field_name,
                       problem);
}

static void check_group(struct config_tree *tree, const struct field_table *table,
                        const struct config_node *node, const void *options)
{
    struct check_context context = {.tree = tree, .node = node};
    const struct field_report report = {
        .add = add_check_problem, .warn = add_check_warning, .context = &context};
    if (table->check != NULL) table->check(options, &report);
}

/* Whether a mistyped key, reported already, was meant to be that one. */
static bool is_mistyped(const struct field_table *table, const struct config_node *node,
                        const char *name)
{
    for (const struct config_node *child = node->first; child != NULL; child = child->next) {
        if (field_find(table, child->key->text) != NULL) continue;
        const char *nearest = field_find_nearest(table, child->key->text);
        if (nearest != NULL && strcmp(nearest, name) == 0) return true;
    }
    return false;
}

static void report_missing(struct config_tree *tree, const struct field_table *table,
                           const struct config_node *node)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct field *field = &table->fields[i];
        if (!field->is_required || config_node_find(node, field->name) != NULL) continue;
        if (is_mistyped(table, node, field->name)) continue;
        config_node_report(tree, node, "key \"%s\" is missing", field->name);
    }
}

void config_fill_group(struct config_tree *tree, const struct field_table *table,
                       const struct config_node *node, void *options, const char *skip)
{
    size_t errors_before = tree->errors;
    if (node->is_bad) return;
    if (node->kind != CONFIG_MAP && !is_empty(node)) {
        config_node_report(tree, node, "must be a group of keys, not %s", kind_name(node));
        return;
    }
    bool has_bad_child = false;
    for (const struct config_node *child = node->first; child != NULL; child = child->next) {
        const struct field *field = field_find(table, child->key->text);
        has_bad_child = has_bad_child || child->is_bad;
        if (field != NULL) {
            fill_field(tree, field, child, options);
        } else if (skip == NULL || strcmp(skip, child->key->text) != 0) {
            report_unknown(tree, table, child->key);
        }
    }
    report_missing(tree, table, node);
    if (tree->errors == errors_before && !has_bad_child) check_group(tree, table, node, options);
}
