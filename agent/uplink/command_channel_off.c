/* Stands in for command_channel.c in a build without commands for alarms from afar. */
#include "uplink/command_channel.h"

const struct field_table command_channel_option_table = {
    FIELD_HELP("Not compiled into this program."),
    .left_out = "ISOTHERM_ALARM_COMMANDS",
};
