/* Invariant: the list is the one place that knows which drivers there are; it never changes. */
#include "drivers.h"

#include <stdlib.h>
#include <string.h>

/* One line per driver. */
static const struct driver *const drivers[] = {
    &driver_mqtt,     //
    &driver_coap,     //
    &driver_serial,   //
    &driver_replay,   //
    &driver_template, //
    NULL,
};

const struct driver *const *registry_list(void)
{
    return drivers;
}

const struct driver *registry_find(const char *name)
{
    for (size_t i = 0; drivers[i] != NULL; i++)
        if (strcmp(drivers[i]->name, name) == 0) return drivers[i];
    return NULL;
}

/* Bytes of the options struct that a field writes, so that none writes beyond its end. */
static size_t measure_field(const struct field *field)
{
    switch (field->type) {
    case FIELD_BOOL:
        return sizeof(bool);
    case FIELD_CHOICE:
        return sizeof(int);
    case FIELD_TEXT:
    case FIELD_GROUP:
        return field->size;
    case FIELD_LIST:
        return field->size * field->max_count;
    case FIELD_INTEGER:
    case FIELD_DURATION:
    case FIELD_BYTES:
    case FIELD_DECIMAL:
        break;
    }
    return sizeof(int64_t);
}

static bool lacks_help(const char *help)
{
    return FIELD_HAS_HELP && (help == NULL || help[0] == '\0');
}

static const char *check_table(const struct field_table *table, size_t struct_size);

static const char *check_field(const struct field *field, size_t struct_size)
{
    if (field->name == NULL || field->name[0] == '\0') return "a field has no name";
    if (lacks_help(field->help)) return "a field has no help";
    if (measure_field(field) == 0 || field->offset > struct_size ||
        measure_field(field) > struct_size - field->offset)
        return "a field lies outside its struct";
    if (field->min > field->max) return "a field has its minimum above its maximum";
    if (field->type == FIELD_CHOICE && (field->choices == NULL || field->choices[0] == NULL))
        return "a choice has no names";
    if (field->type == FIELD_LIST && field->count_offset + sizeof(size_t) > struct_size)
        return "the count of a list lies outside its struct";
    if (field->given_offset >= struct_size) return "the mark of a field lies outside its struct";
    if (!field_is_nested(field)) return NULL;
    return check_table(field->fields, field->size);
}

static const char *check_table(const struct field_table *table, size_t struct_size)
{
    if (table == NULL || (table->fields == NULL && table->count > 0)) return "there is no table";
    if (lacks_help(table->help)) return "a table has no help";
    for (size_t i = 0; i < table->count; i++) {
        const char *problem = check_field(&table->fields[i], struct_size);
        if (problem != NULL) return problem;
        for (size_t k = 0; k < i; k++)
            if (strcmp(table->fields[i].name, table->fields[k].name) == 0)
                return "two fields have the same name";
    }
    return NULL;
}

static const char *check_defaults(const struct driver *driver)
{
    void *options = calloc(1, driver->options_size);
    if (options == NULL) return "there is no memory to try the defaults";
    enum status status = field_set_defaults(driver->options, options);
    free(options);
    return status == ST_OK ? NULL : "a default does not fit its own field";
}

static const char *check_driver(const struct driver *driver)
{
    if (driver->name == NULL || driver->name[0] == '\0') return "a driver has no name";
    if (driver->help == NULL || driver->help[0] == '\0') return "a driver has no help";
    if (!driver->is_compiled) return NULL;
    if (driver->open == NULL || driver->close == NULL) return "a driver cannot open or close";
    if (driver->can_wait && driver->durable == NULL) return "a driver that can wait has no durable";
    if ((driver->pause == NULL) != (driver->resume == NULL)) return "pause and resume go together";
    if (driver->pauses_for_commit && (driver->pause == NULL || driver->durable == NULL))
        return "a driver that pauses for commits has no pause or no durable";
    if (driver->state_size == 0 || driver->options_size == 0) return "a driver has no state";
    const char *problem = check_table(driver->options, driver->options_size);
    return problem != NULL ? problem : check_defaults(driver);
}

enum status registry_check_list(const struct driver *const *list, const char **problem)
{
    for (size_t i = 0; list[i] != NULL; i++) {
        *problem = check_driver(list[i]);
        for (size_t k = 0; k < i && *problem == NULL; k++)
            if (strcmp(list[i]->name, list[k]->name) == 0)
                *problem = "two drivers have the same name";
        if (*problem != NULL) return ST_INVALID;
    }
    *problem = NULL;
    return ST_OK;
}

enum status registry_check(const char **problem)
{
    return registry_check_list(drivers, problem);
}
