/* Stands in for config_learned.c in a build without learned alarms: their keys are known, and who
 * writes one is told. */
#include "config_learned.h"

#include "plan_traffic.h"

const struct field_table config_habit_table = {
    FIELD_HELP("Not compiled into this program."),
    .left_out = "ISOTHERM_LEARNED",
};

const struct field_table config_unusual_table = {
    FIELD_HELP("Not compiled into this program."),
    .left_out = "ISOTHERM_LEARNED",
};

struct habit_options config_habit_options(const struct config *config)
{
    (void)config;
    return (struct habit_options){.memory_days = 0};
}

void config_load_models(struct config_tree *tree, const struct config_node *list,
                        struct config *config)
{
    const struct config_node *rule = list->first;
    for (size_t i = 0; i < config->alarm_count && rule != NULL; i++, rule = rule->next) {
        if (config->alarms[i].model_path[0] == '\0') continue;
        const struct config_node *place = config_node_find(rule, "model");
        config_node_report(tree, place != NULL ? place : rule,
                           "model: not compiled into this program (ISOTHERM_LEARNED was OFF)");
    }
}

void config_free_models(struct config *config)
{
    (void)config;
}

size_t config_model_bytes(const struct config *config)
{
    (void)config;
    return 0;
}

int64_t plan_habit_bytes(const struct config *config, int64_t id_bytes)
{
    (void)config;
    (void)id_bytes;
    return 0;
}
