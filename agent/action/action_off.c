/* Stands in for this folder in a build without actions.  Invariant: there are none, and the
 * configuration says so to who asks for one. */
#include "action/action.h"

const struct field_table action_option_table = {
    FIELD_HELP("Not compiled into this program."),
    .left_out = "ISOTHERM_ACTIONS",
};

enum status actions_open(struct actions **actions, const struct action_options *options,
                         size_t count, struct loop *loop, struct log *log,
                         const struct clock *clock)
{
    (void)options;
    (void)count;
    (void)loop;
    (void)log;
    (void)clock;
    *actions = NULL;
    return ST_OK;
}

size_t actions_size_bytes(const struct action_options *options, size_t count)
{
    (void)options;
    (void)count;
    return 0;
}

void actions_take_over(struct actions *actions, const struct action_event *event)
{
    (void)actions;
    (void)event;
}

void actions_begin(struct actions *actions)
{
    (void)actions;
}

void actions_tell(struct actions *actions, const struct action_event *event)
{
    (void)actions;
    (void)event;
}

bool actions_count(const struct actions *actions, size_t index, struct action_counts *counts)
{
    (void)actions;
    (void)index;
    (void)counts;
    return false;
}

void actions_stop(struct actions *actions)
{
    (void)actions;
}

void actions_close(struct actions *actions)
{
    (void)actions;
}
