/* Invariant: config->sources[0 .. source_count-1] all have a compiled driver and options of its
 * size, whatever else was wrong with them. */
#include "config_fill.h"

#include "config_tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Options of drivers that name something only one source can have. */
static const char *const exclusive_options[][2] = {{"serial", "port"}, {"coap", "listen"}};

static const char *find_nearest_driver(const char *name)
{
    const char *nearest = NULL;
    size_t shortest = SIZE_MAX;
    for (const struct driver *const *at = registry_list(); *at != NULL; at++) {
        size_t distance = field_name_distance(name, (*at)->name);
        if (distance >= shortest) continue;
        shortest = distance;
        nearest = (*at)->name;
    }
    return nearest;
}

static void report_unknown_driver(struct config_tree *tree, const struct config_node *key,
                                  const char *nearest)
{
    if (nearest != NULL) {
        config_node_report(tree, key, "unknown source \"%.64s\"; did you mean \"%s\"?", key->text,
                           nearest);
        return;
    }
    char names[128];
    struct text known;
    text_init(&known, names, sizeof names);
    for (const struct driver *const *at = registry_list(); *at != NULL; at++) {
        if (known.size > 0) text_add(&known, ", ");
        text_add(&known, (*at)->name);
    }
    config_node_report(tree, key, "unknown source \"%.64s\"; there are: %s", key->text, names);
}

/* The driver's options under its name, or NULL with the problem reported. */
static const struct config_node *find_options(struct config_tree *tree,
                                              const struct config_node *item)
{
    if (item->is_bad) return NULL;
    if (item->kind == CONFIG_MAP && item->count == 1) return item->first;
    if (item->kind == CONFIG_MAP && item->count > 1) {
        config_node_report(tree, item->first->next->key,
                           "a source has one key, its driver; indent the options below it, and "
                           "begin another source with \"- \"");
    } else {
        config_node_report(tree, item,
                           "a source is the name of a driver with its options, e.g. "
                           "mqtt: {broker: ...}");
    }
    return NULL;
}

/* A mistyped one is reported and taken for the one that was meant, so that its options are read. */
static const struct driver *find_driver(struct config_tree *tree, const struct config_node *key)
{
    const struct driver *driver = registry_find(key->text);
    if (driver == NULL) {
        const char *nearest = find_nearest_driver(key->text);
        report_unknown_driver(tree, key, nearest);
        if (nearest != NULL) driver = registry_find(nearest);
        if (driver == NULL) return NULL;
    }
    if (driver->is_compiled) return driver;
    config_node_report(tree, key, "source \"%s\" is not compiled into this program", driver->name);
    return NULL;
}

static void set_name(struct config_tree *tree, const struct config *config,
                     struct config_source *source, const struct config_node *options)
{
    size_t index = 0;
    for (size_t i = 0; i < config->source_count; i++) {
        if (config->sources[i].driver == source->driver) index++;
    }
    (void)snprintf(source->name, sizeof source->name, "%s[%zu]", source->driver->name, index);
    const struct config_node *name = config_node_find(options, "name");
    if (name == NULL || name->is_bad) return;
    size_t errors_before = tree->errors;
    config_fill_scalar(tree, &config_source_name, name, source);
    if (tree->errors > errors_before) return;
    if (!config_is_name(source->name)) {
        config_node_report(tree, name, "name: may hold only letters, digits, . _ -");
        return;
    }
    for (size_t i = 0; i < config->source_count; i++) {
        if (strcmp(config->sources[i].name, source->name) != 0) continue;
        config_node_report(tree, name, "name: another source is called \"%s\" too", source->name);
        return;
    }
}

static const char *find_exclusive(const struct config_source *source, const char **option)
{
    for (size_t i = 0; i < sizeof exclusive_options / sizeof *exclusive_options; i++) {
        if (strcmp(source->driver->name, exclusive_options[i][0]) != 0) continue;
        const struct field *field = field_find(source->driver->options, exclusive_options[i][1]);
        if (field == NULL || field->type != FIELD_TEXT) return NULL;
        *option = field->name;
        return field_member(field, source->options);
    }
    return NULL;
}

static void check_exclusive(struct config_tree *tree, const struct config *config,
                            const struct config_source *source, const struct config_node *options)
{
    const char *option = NULL;
    const char *value = find_exclusive(source, &option);
    const struct config_node *node = value != NULL ? config_node_find(options, option) : NULL;
    if (node == NULL || value[0] == '\0') return;
    for (size_t i = 0; i < config->source_count; i++) {
        const char *other = config->sources[i].driver == source->driver
                                ? find_exclusive(&config->sources[i], &option)
                                : NULL;
        if (other == NULL || strcmp(other, value) != 0) continue;
        config_node_report(tree, node, "%s: source %s has %.100s already", option,
                           config->sources[i].name, value);
        return;
    }
}

static void fill_source(struct config_tree *tree, const struct config_node *options,
                        const struct driver *driver, struct config *config)
{
    struct config_source *source = &config->sources[config->source_count];
    *source = (struct config_source){.driver = driver};
    source->options = calloc(1, driver->options_size > 0 ? driver->options_size : 1);
    if (source->options == NULL) {
        config_node_report(tree, options, "out of memory");
        return;
    }
    if (field_set_defaults(driver->options, source->options) != ST_OK) {
        config_node_report(tree, options, "a built-in default is wrong");
    }
    set_name(tree, config, source, options);
    config_fill_group(tree, driver->options, options, source->options, config_source_name.name);
    config_resolve_port(tree, config, source, options);
    check_exclusive(tree, config, source, options);
    config->source_count++;
}

void config_fill_sources(struct config_tree *tree, const struct config_node *list,
                         struct config *config)
{
    for (const struct config_node *item = list->first; item != NULL; item = item->next) {
        if (config->source_count == LIMIT_SOURCES) return;
        const struct config_node *options = find_options(tree, item);
        if (options == NULL) continue;
        const struct driver *driver = find_driver(tree, options->key);
        if (driver == NULL) continue;
        fill_source(tree, options, driver, config);
    }
}
