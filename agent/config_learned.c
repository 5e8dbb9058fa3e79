/* Invariant: config->alarms[i].model is what was read from its model_path, or NULL; it lives as
 * long as the configuration. */
#include "config_learned.h"

#include "alarm/model.h"
#include "config_tables.h"

#include <stdlib.h>

#define DAY_MS INT64_C(86400000)

static const struct field habit_fields[] = {
    {.name = "utc_offset",
     .type = FIELD_DECIMAL,
     .offset = offsetof(struct config_habit, utc_offset_micro),
     .default_text = "0",
     .min = -14000000,
     .max = 14000000,
     FIELD_HELP(
         "By how many hours the clock that people live by is ahead of UTC, e.g. 5.5 in India; "
         "it does not change by itself in summer.")},
    {.name = "memory",
     .type = FIELD_DURATION,
     .offset = offsetof(struct config_habit, memory_ms),
     .default_text = "14d",
     .min = 2 * DAY_MS,
     .max = HABIT_DAYS_MAX * DAY_MS,
     FIELD_HELP("How many days the usual value looks back, in whole days.")},
    {.name = "warm_up",
     .type = FIELD_DURATION,
     .offset = offsetof(struct config_habit, warm_up_ms),
     .default_text = "7d",
     .min = 2 * DAY_MS,
     .max = HABIT_DAYS_MAX * DAY_MS,
     FIELD_HELP("On how many days an hour must have been learned before it is judged.")},
    {.name = "least",
     .type = FIELD_DECIMAL,
     .offset = offsetof(struct config_habit, least_micro),
     .default_text = "0.5",
     .min = 1000,
     .max = 1000000000,
     FIELD_HELP(
         "A smaller deviation counts as this one, in degrees; keeps a device that hardly ever "
         "moves from raising alarms about nothing.")},
};

static void check_habit(const void *options, const struct field_report *report)
{
    const struct config_habit *habit = options;
    if (habit->warm_up_ms > habit->memory_ms)
        report->add(report->context, "warm_up", "must not be longer than memory");
}

const struct field_table config_habit_table = {
    .fields = habit_fields,
    .count = sizeof habit_fields / sizeof *habit_fields,
    FIELD_HELP("How alarms with unusual learn what is usual: by hour of the day."),
    .check = check_habit};

static const struct field unusual_fields[] = {
    {.name = "deviations",
     .type = FIELD_DECIMAL,
     .offset = offsetof(struct alarm_habit, deviations_micro),
     .default_text = "5",
     .min = 1000000,
     .max = HABIT_DEVIATIONS_MAX * INT64_C(1000000),
     FIELD_HELP("The alarm is active this many deviations away from the usual value, or further.")},
};

const struct field_table config_unusual_table = {
    .fields = unusual_fields,
    .count = sizeof unusual_fields / sizeof *unusual_fields,
    FIELD_HELP(
        "Learns what each device usually does at each hour of the day, see habit, and is active "
        "when a reading is far from it; {} takes the default.")};

struct habit_options config_habit_options(const struct config *config)
{
    const int64_t hour_ms = 3600000;
    return (struct habit_options){.utc_offset_ms =
                                      config->habit.utc_offset_micro * hour_ms / 1000000,
                                  .memory_days = config->habit.memory_ms / DAY_MS,
                                  .warm_up_days = config->habit.warm_up_ms / DAY_MS,
                                  .least_micro = config->habit.least_micro};
}

static void load_model(struct config_tree *tree, const struct config_node *rule,
                       struct alarm_rule *alarm, struct model *model)
{
    struct model_problem problem;
    const struct config_node *place = config_node_find(rule, "model");
    if (model_load(model, alarm->model_path, &problem) == ST_OK)
        alarm->model = model;
    else if (problem.line > 0)
        config_tree_report(tree, alarm->model_path, problem.line, problem.column, false, "%s",
                           problem.text);
    else
        config_node_report(tree, place != NULL ? place : rule, "model: %.160s %s",
                           alarm->model_path, problem.text);
}

void config_load_models(struct config_tree *tree, const struct config_node *list,
                        struct config *config)
{
    const struct config_node *rule = list->first;
    for (size_t i = 0; i < config->alarm_count && rule != NULL; i++, rule = rule->next) {
        struct alarm_rule *alarm = &config->alarms[i];
        if (alarm->model_path[0] == '\0') continue;
        if (config->models == NULL) config->models = calloc(LIMIT_ALARMS, sizeof *config->models);
        if (config->models == NULL) {
            config_node_report(tree, rule, "out of memory");
            return;
        }
        load_model(tree, rule, alarm, &config->models[i]);
    }
}

void config_free_models(struct config *config)
{
    for (size_t i = 0; config->models != NULL && i < LIMIT_ALARMS; i++)
        model_fini(&config->models[i]);
    free(config->models);
    config->models = NULL;
}

size_t config_model_bytes(const struct config *config)
{
    if (config->models == NULL) return 0;
    size_t bytes = LIMIT_ALARMS * sizeof *config->models;
    for (size_t i = 0; i < LIMIT_ALARMS; i++) bytes += model_size_bytes(&config->models[i]);
    return bytes;
}
