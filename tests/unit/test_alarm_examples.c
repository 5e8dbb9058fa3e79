/* The worked examples of the alarm reference (its section 15), and more input curves with what
 * must come of them.  Each is played twice: by one engine, and with the engine killed and
 * restarted at every step; the events must be the same, byte for byte. */
#include "support/alarm_rig.h"

struct curve {
    const char *name;
    struct alarm_rule rules[4];
    const char *script, *expected;
    bool is_whole; /* not to be restarted: time without data counts from the start */
    int64_t expected_every_ms;
};

#define TEMP                                                                                       \
    .name = "t", .devices = "*", .deadband_micro = 1000000, .on_delay_ms = 60000,                  \
    .off_delay_ms = 60000, .hold_ms = 120000, .needs_ack = true
#define HIGH_80 TEMP, .high_micro = 80000000, .has_high = true
#define BARE .name = "t", .devices = "*", .high_micro = 80000000, .has_high = true

static const struct curve curves[] = {
    {.name = "1: the condition holds for the whole delay",
     .rules = {{HIGH_80}},
     .script = "-20 o 79.999 until -10 every 10\n0 o 80 until 200 every 10\n",
     .expected = "60 o/t/H RAISE NORM>UNACK #1 calls\n"},
    {.name = "2: a reading below the limit cancels the delay",
     .rules = {{HIGH_80}},
     .script = "0 o 81 until 50 every 10\n55 o 79.5\n60 o 81 until 200 every 10\n",
     .expected = "120 o/t/H RAISE NORM>UNACK #1 calls\n"},
    {.name = "3: the edge of the deadband is not below it",
     .rules = {{HIGH_80}},
     .script = "0 o 81 until 60 every 10\n70 o 79 until 3670 every 10\n",
     .expected = "60 o/t/H RAISE NORM>UNACK #1 calls\n"},
    {.name = "4: a reading within the deadband restarts the off-delay",
     .rules = {{HIGH_80}},
     .script = "-100 o 81 until -40 every 10\n0 o 78.9 until 20 every 10\n30 o 79.2\n"
               "40 o 78.9 until 200 every 10\n",
     .expected = "-40 o/t/H RAISE NORM>UNACK #1 calls\n100 o/t/H CLEAR UNACK>RTNUN #1\n"},
    {.name = "5 to 8: acknowledged after and before, again, and too late",
     .rules = {{HIGH_80}},
     .script = "0 o 81 until 60 every 10\n70 o 78 until 140 every 10\n150 ack o/t/H 1\n"
               "200 o 81 until 260 every 10\n270 ack o/t/H 2\n280 o 78 until 350 every 10\n"
               "400 o 81 until 460 every 10\n470 o 78 until 540 every 10\n"
               "600 o 81 until 660 every 10\n670 ack o/t/H 3\n680 ack o/t/H 4\n690 ack o/t/H 4\n"
               "700 ack x/t/H 4\n",
     .expected = "60 o/t/H RAISE NORM>UNACK #1 calls\n130 o/t/H CLEAR UNACK>RTNUN #1\n"
                 "150 o/t/H ACK RTNUN>NORM #1\n150 ack: done\n"
                 "260 o/t/H RAISE NORM>UNACK #2 calls\n270 o/t/H ACK UNACK>ACKED #2\n"
                 "270 ack: done\n340 o/t/H CLEAR ACKED>NORM #2\n"
                 "460 o/t/H RAISE NORM>UNACK #3 calls\n530 o/t/H CLEAR UNACK>RTNUN #3\n"
                 "660 o/t/H RAISE RTNUN>UNACK #4 calls\n670 ack: wrong occurrence\n"
                 "680 o/t/H ACK UNACK>ACKED #4\n680 ack: done\n690 ack: nothing to do\n"
                 "700 ack: unknown alarm\n"},
    {.name = "9: rare readings, the delay ends between them",
     .rules = {{HIGH_80}},
     .script = "0 o 81 until 300 every 300\n",
     .expected = "60 o/t/H RAISE NORM>UNACK #1 calls\n"},
    {.name = "9b: too rare to be held: the next reading decides",
     .rules = {{HIGH_80}},
     .expected_every_ms = 10000,
     .script = "0 o 81 until 300 every 300\n",
     .expected = "60 o/t/H RAISE NORM>UNACK #1 calls\n"},
    {.name = "9c: the hold is that of the rule, else twice the expected interval",
     .rules = {{BARE, .on_delay_ms = 60000}},
     .expected_every_ms = 10000,
     .script = "0 o 81 until 300 every 300\n",
     .expected = "300 o/t/H RAISE NORM>UNACK #1 calls\n"},
    {.name = "10: silence neither cancels nor clears",
     .rules = {{HIGH_80}, {.name = "n", .devices = "*", .no_data_ms = 100000}},
     .is_whole = true,
     .script = "0 o 81\n4000 end\n",
     .expected = "60 o/t/H RAISE NORM>UNACK #1 calls\n100 o/n/no_data RAISE NORM>UNACK #1 calls\n"},
    {.name = "11: the wall clock is stepped back by an hour during the delay",
     .rules = {{HIGH_80}},
     .script = "0 o 81 until 30 every 10\n30 wall -3600\n40 o 81 until 100 every 10\n",
     .expected = "60 o/t/H RAISE NORM>UNACK #1 calls\n"},
    {.name = "11b: and forward by 30 days, in both delays",
     .rules = {{HIGH_80}},
     .script = "0 o 81 until 60 every 10\n30 wall 2592000\n70 o 70 until 140 every 10\n"
               "80 wall -5184000\n",
     .expected = "60 o/t/H RAISE NORM>UNACK #1 calls\n130 o/t/H CLEAR UNACK>RTNUN #1\n"},
    {.name = "12: shelved, cleared and raised meanwhile, seen again at the end",
     .rules = {{HIGH_80}},
     .script = "-100 o 81 until -30 every 10\n0 shelve o/t/H 3600\n540 o 70 until 620 every 20\n"
               "1740 o 81 until 1820 every 20\n3700 end\n",
     .expected = "-40 o/t/H RAISE NORM>UNACK #1 calls\n0 o/t/H SHELVE UNACK>SHLVD #1\n"
                 "0 shelve: done\n600 o/t/H CLEAR SHLVD>SHLVD #1\n"
                 "1800 o/t/H RAISE SHLVD>SHLVD #2 hidden\n"
                 "3600 o/t/H EXPIRE SHLVD>UNACK #2 calls hidden\n"},
    {.name = "13: the same, but not active at the end",
     .rules = {{HIGH_80}},
     .script = "-100 o 81 until -30 every 10\n0 shelve o/t/H 3600\n540 o 70 until 620 every 20\n"
               "3700 end\n",
     .expected = "-40 o/t/H RAISE NORM>UNACK #1 calls\n0 o/t/H SHELVE UNACK>SHLVD #1\n"
                 "0 shelve: done\n600 o/t/H CLEAR SHLVD>SHLVD #1\n"
                 "3600 o/t/H EXPIRE SHLVD>NORM #1\n"},
    {.name = "14: both limits at once: the outer one calls",
     .rules = {{HIGH_80, .high_high_micro = 90000000, .has_high_high = true}},
     .script = "-20 o 70\n0 o 95 until 100 every 10\n",
     .expected = "60 o/t/HH RAISE NORM>UNACK #1 calls\n"
                 "60 o/t/H RAISE NORM>UNACK #1 by o/t/HH\n"},
    {.name = "15: chattering is said once, then counted",
     .rules = {{BARE, .needs_ack = true}},
     .script = "0 o 80.1\n8 o 79.9\n16 o 80.1\n24 o 79.9\n32 o 80.1\n40 o 79.9\n48 o 80.1\n"
               "700 o 79\n710 o 81\n",
     .expected = "0 o/t/H RAISE NORM>UNACK #1 calls\n8 o/t/H CLEAR UNACK>RTNUN #1\n"
                 "16 o/t/H RAISE RTNUN>UNACK #2 calls\n24 o/t/H CLEAR UNACK>RTNUN #2\n"
                 "32 o/t/H RAISE RTNUN>UNACK #3 calls chatters\n"
                 "40 o/t/H CLEAR UNACK>RTNUN #3 chatters\n"
                 "48 o/t/H RAISE RTNUN>UNACK #4 chatters\n700 o/t/H CLEAR UNACK>RTNUN #4\n"
                 "710 o/t/H RAISE RTNUN>UNACK #5 calls\n"},
    {.name = "17: no data, with the wall clock stepped by 30 days",
     .rules = {{.name = "n", .devices = "*", .no_data_ms = 60000}},
     .is_whole = true,
     .script = "0 o 20\n20 wall 2592000\n300 o 20\n310 end\n",
     .expected = "60 o/n/no_data RAISE NORM>UNACK #1 calls\n"
                 "300 o/n/no_data CLEAR UNACK>NORM #1\n"},
    {.name = "18: latched: reset only after acknowledgement",
     .rules = {{BARE, .needs_ack = true, .is_latching = true}},
     .script = "0 o 81\n10 reset o/t/H\n20 o 79\n30 reset o/t/H\n40 ack o/t/H 1\n"
               "50 reset o/t/H\n60 reset o/t/H\n",
     .expected = "0 o/t/H RAISE NORM>UNACK #1 calls\n10 reset: not applicable in this state\n"
                 "20 o/t/H CLEAR UNACK>LATUN #1\n30 reset: not applicable in this state\n"
                 "40 o/t/H ACK LATUN>LATAK #1\n40 ack: done\n50 o/t/H RESET LATAK>NORM #1\n"
                 "50 reset: done\n60 reset: nothing to do\n"},
    {.name = "low limits are the mirror image",
     .rules = {{.name = "t",
                .devices = "*",
                .low_micro = 2000000,
                .has_low = true,
                .low_low_micro = 0,
                .has_low_low = true,
                .deadband_micro = 500000}},
     .script = "0 o 2.000001\n10 o 2\n20 o 2.5\n30 o 2.500001\n40 o 0\n50 o 0.5\n60 o 0.6\n",
     .expected = "10 o/t/L RAISE NORM>UNACK #1 calls\n30 o/t/L CLEAR UNACK>NORM #1\n"
                 "40 o/t/LL RAISE NORM>UNACK #1 calls\n40 o/t/L RAISE NORM>UNACK #2 by o/t/LL\n"
                 "60 o/t/LL CLEAR UNACK>NORM #1\n"},
    {.name = "several readings must agree, beside the delay",
     .rules = {{BARE, .min_readings = 3, .on_delay_ms = 5000}},
     .script = "0 o 81\n10 o 81\n12 o 79\n20 o 81 until 40 every 10\n50 o 70 until 70 every 10\n",
     .expected = "40 o/t/H RAISE NORM>UNACK #1 calls\n70 o/t/H CLEAR UNACK>NORM #1\n"},
    {.name = "an acknowledged alarm calls again, twice",
     .rules = {{BARE, .realarm_ms = 100000, .realarm_count = 2}},
     .script = "0 o 81\n10 ack o/t/H 1\n200 ack o/t/H 1\n400 ack o/t/H 1\n900 end\n",
     .expected = "0 o/t/H RAISE NORM>UNACK #1 calls\n10 o/t/H ACK UNACK>ACKED #1\n10 ack: done\n"
                 "110 o/t/H REALARM ACKED>UNACK #1 calls realarm\n"
                 "200 o/t/H ACK UNACK>ACKED #1 realarm\n200 ack: done\n"
                 "300 o/t/H REALARM ACKED>UNACK #1 calls realarm\n"
                 "400 o/t/H ACK UNACK>ACKED #1 realarm\n400 ack: done\n"},
    {.name = "rates are taken over the period and not across a gap",
     .rules = {{.name = "r",
                .devices = "*",
                .rise_micro = 2000000,
                .has_rise = true,
                .fall_micro = 2000000,
                .has_fall = true,
                .period_ms = 60000}},
     .script = "0 o 20\n30 o 40\n60 o 21.9\n120 o 23.9\n180 o 25.8\n240 o 27.5\n300 o 25\n"
               "900 o 90\n960 o 90\n",
     .expected = "120 o/r/rise RAISE NORM>UNACK #1 calls\n240 o/r/rise CLEAR UNACK>NORM #1\n"
                 "300 o/r/fall RAISE NORM>UNACK #1 calls\n960 o/r/fall CLEAR UNACK>NORM #1\n"},
    {.name = "a deviation from a set point",
     .rules = {{.name = "d",
                .devices = "*",
                .set_point_micro = 100000000,
                .has_set_point = true,
                .high_micro = 5000000,
                .has_high = true,
                .low_micro = -5000000,
                .has_low = true}},
     .script = "0 o 104\n10 o 105\n20 o 96\n30 o 95\n",
     .expected = "10 o/d/H RAISE NORM>UNACK #1 calls\n20 o/d/H CLEAR UNACK>NORM #1\n"
                 "30 o/d/L RAISE NORM>UNACK #1 calls\n"},
    {.name = "a deviation from another device, once that is known",
     .rules = {{.name = "d",
                .devices = "*",
                .set_point_device = "ref",
                .high_micro = 5000000,
                .has_high = true}},
     .is_whole = true,
     .script = "0 o 100\n10 ref 60\n20 o 64\n30 o 65\n40 ref 62\n50 o 66\n",
     .expected = "30 o/d/H RAISE NORM>UNACK #1 calls\n50 o/d/H CLEAR UNACK>NORM #1\n"},
    {.name = "a value that never changes",
     .rules = {{.name = "s", .devices = "*", .stuck_ms = 100000}},
     .script = "0 o 20\n10 o 21 until 200 every 10\n210 o 21.000001\n",
     .expected = "120 o/s/stuck RAISE NORM>UNACK #1 calls\n210 o/s/stuck CLEAR UNACK>NORM #1\n"},
    {.name = "a sensor at fault is no process alarm, and its own alarms are uncertain",
     .rules = {{BARE},
               {.name = "f",
                .devices = "*",
                .is_fault_watched = true,
                .is_ds18b20 = true,
                .valid_high_micro = 500000000,
                .has_valid_high = true}},
     .script = "0 o 20\n10 o 85\n15 o 85\n30 o 20\n100 o -127\n102 o 600\n104 o 20\n110 o 20\n"
               "170 o 20\n",
     .is_whole = true,
     .expected = "15 o/t/H RAISE NORM>UNACK #1 calls\n30 o/t/H CLEAR UNACK>NORM #1\n"
                 "102 o/f/sensor_fault RAISE NORM>UNACK #1 calls uncertain\n"
                 "164 o/f/sensor_fault CLEAR UNACK>NORM #1\n"},
    {.name = "bad values neither begin, confirm nor end a delay of a process alarm",
     .rules = {{BARE, .on_delay_ms = 60000, .off_delay_ms = 60000, .hold_ms = 120000},
               {.name = "f", .devices = "*", .is_fault_watched = true}},
     .script = "0 o 81\n10 o bad\n20 o bad until 50 every 10\n70 o bad\n100 o 70\n110 o bad\n"
               "170 o bad\n190 o 70\n260 end\n",
     .is_whole = true,
     .expected = "20 o/f/sensor_fault RAISE NORM>UNACK #1 calls uncertain\n"
                 "60 o/t/H RAISE NORM>UNACK #1 calls uncertain\n"
                 "160 o/t/H CLEAR UNACK>NORM #1 uncertain\n"
                 "250 o/f/sensor_fault CLEAR UNACK>NORM #1\n"},
    {.name = "with nothing but bad values a process alarm keeps its state",
     .rules = {{BARE}, {.name = "f", .devices = "*", .is_fault_watched = true}},
     .script = "0 o 81\n10 o bad until 600 every 10\n610 ack o/t/H 1\n611 end\n",
     .is_whole = true,
     .expected = "0 o/t/H RAISE NORM>UNACK #1 calls\n"
                 "20 o/f/sensor_fault RAISE NORM>UNACK #1 calls uncertain\n"
                 "610 o/t/H ACK UNACK>ACKED #1 uncertain\n610 ack: done\n"},
    {.name = "one bad value is a fault after ten seconds, and one good value before is none",
     .rules = {{.name = "f", .devices = "*", .is_fault_watched = true}},
     .script = "0 o 20\n10 o bad\n15 o 20\n30 o bad\n45 end\n",
     .is_whole = true,
     .expected = "40 o/f/sensor_fault RAISE NORM>UNACK #1 calls uncertain\n"},
    {.name = "bad values are no data",
     .rules = {{.name = "g", .devices = "*", .no_data_ms = 60000},
               {.name = "f", .devices = "*", .is_fault_watched = true}},
     .script = "0 o 20\n10 o bad until 80 every 10\n85 o 20\n",
     .is_whole = true,
     .expected = "20 o/f/sensor_fault RAISE NORM>UNACK #1 calls uncertain\n"
                 "60 o/g/no_data RAISE NORM>UNACK #1 calls uncertain\n"
                 "85 o/g/no_data CLEAR UNACK>NORM #1\n"},
    {.name = "a one-shot shelf ends with the next return to normal",
     .rules = {{BARE}},
     .script = "0 o 81\n10 oneshot o/t/H 3600\n20 o 79\n30 o 81\n40 shelve o/t/H 28801\n"
               "50 shelve o/t/H 0\n60 unshelve o/t/H\n",
     .expected = "0 o/t/H RAISE NORM>UNACK #1 calls\n10 o/t/H SHELVE UNACK>SHLVD #1\n"
                 "10 oneshot: done\n20 o/t/H CLEAR SHLVD>SHLVD #1\n20 o/t/H EXPIRE SHLVD>NORM #1\n"
                 "30 o/t/H RAISE NORM>UNACK #2 calls\n40 shelve: time out of range\n"
                 "50 shelve: time out of range\n60 unshelve: nothing to do\n"},
    {.name = "a shelf in a shelf, and out of service over both",
     .rules = {{BARE}},
     .script = "0 o 81\n10 shelve o/t/H 100\n20 shelve o/t/H 50\n30 oos o/t/H\n40 ack o/t/H\n"
               "80 end\n90 oos o/t/H\n100 return o/t/H\n110 return o/t/H\n",
     .expected = "0 o/t/H RAISE NORM>UNACK #1 calls\n10 o/t/H SHELVE UNACK>SHLVD #1\n"
                 "10 shelve: done\n20 o/t/H SHELVE SHLVD>SHLVD #1\n20 shelve: done\n"
                 "30 o/t/H OOS SHLVD>OOSRV #1\n30 oos: done\n40 ack: not applicable in this state\n"
                 "70 o/t/H EXPIRE OOSRV>OOSRV #1\n90 oos: nothing to do\n"
                 "100 o/t/H RETURN OOSRV>UNACK #1 calls\n100 return: done\n"
                 "110 return: nothing to do\n"},
    {.name = "suppression by design, of the same device and of all",
     .rules = {{BARE, .suppressed_by = "stop"},
               {.name = "stop", .devices = "line", .high_micro = 1000000, .has_high = true}},
     .script = "0 o 81\n10 line 1\n11 p 90\n20 o 79\n30 o 82\n40 line 0\n50 end\n",
     .expected = "0 o/t/H RAISE NORM>UNACK #1 calls\n10 line/stop/H RAISE NORM>UNACK #1 calls\n"
                 "10 o/t/H SUPPRESS UNACK>DSUPR #1 by stop\n"
                 "10 line/t/H SUPPRESS NORM>DSUPR #0 by stop\n"
                 "11 p/t/H SUPPRESS NORM>DSUPR #0 by stop\n"
                 "11 p/t/H RAISE DSUPR>DSUPR #1 hidden\n20 o/t/H CLEAR DSUPR>DSUPR #1\n"
                 "30 o/t/H RAISE DSUPR>DSUPR #2 hidden\n40 line/stop/H CLEAR UNACK>NORM #1\n"
                 "40 o/t/H UNSUPPRESS DSUPR>UNACK #2 calls hidden\n"
                 "40 line/t/H UNSUPPRESS DSUPR>NORM #0\n"
                 "40 p/t/H UNSUPPRESS DSUPR>UNACK #1 calls hidden\n"},
    {.name = "the first of a group is marked until the whole group is over",
     .rules = {{BARE, .group = "g"}},
     .script = "0 a 81\n10 b 82\n20 a 70\n30 c 83\n40 b 70\n50 c 70\n60 c 81\n",
     .expected = "0 a/t/H RAISE NORM>UNACK #1 calls first\n"
                 "10 b/t/H RAISE NORM>UNACK #1 calls by a/t/H\n"
                 "20 a/t/H CLEAR UNACK>NORM #1 first\n"
                 "30 c/t/H RAISE NORM>UNACK #1 calls by a/t/H\n40 b/t/H CLEAR UNACK>NORM #1\n"
                 "50 c/t/H CLEAR UNACK>NORM #1\n60 c/t/H RAISE NORM>UNACK #2 calls first\n"},
    {.name = "a bus that was silent before a restart is so until it is heard",
     .rules = {{BARE}, {.name = "bus", .devices = "*", .silent_ms = 40000}},
     .script = "0 a 81\n0 b 81\n60 restart\n75 restart\n80 a 81\n90 end\n",
     .is_whole = true,
     .expected = "0 a/t/H RAISE NORM>UNACK #1 calls\n0 b/t/H RAISE NORM>UNACK #1 calls\n"
                 "41 gw/bus/source_silent RAISE NORM>UNACK #1 calls\n"
                 "80 gw/bus/source_silent CLEAR UNACK>NORM #1\n"},
    {.name = "one alarm for a silent bus, not one for each device",
     .rules = {{.name = "n", .devices = "*", .no_data_ms = 60000},
               {.name = "bus", .devices = "*", .silent_ms = 40000}},
     .is_whole = true,
     .script = "0 a 1 until 100 every 10\n5 b 1 until 95 every 10\n300 b 1\n320 end\n",
     .expected = "141 gw/bus/source_silent RAISE NORM>UNACK #1 calls\n"
                 "141 a/n/no_data SUPPRESS NORM>DSUPR #0 by bus\n"
                 "141 b/n/no_data SUPPRESS NORM>DSUPR #0 by bus\n"
                 "155 b/n/no_data RAISE DSUPR>DSUPR #1 hidden\n"
                 "160 a/n/no_data RAISE DSUPR>DSUPR #1 hidden\n"
                 "300 b/n/no_data CLEAR DSUPR>DSUPR #1 hidden\n"
                 "300 gw/bus/source_silent CLEAR UNACK>NORM #1\n"
                 "300 a/n/no_data UNSUPPRESS DSUPR>UNACK #1 calls hidden\n"
                 "300 b/n/no_data UNSUPPRESS DSUPR>NORM #1 hidden\n"},
};

static struct alarm_rig *play(const struct curve *curve, bool is_restarting)
{
    size_t rules = 0;
    while (rules < 4 && curve->rules[rules].name[0] != '\0') rules++;
    struct alarm_rig *rig = alarm_rig_open(curve->rules, rules);
    rig->options.expected_every_ms = curve->expected_every_ms;
    alarm_engine_close(rig->engine);
    alarm_rig_set_time(rig, -1000);
    alarm_rig_open_engine(rig);
    rig->is_restarting = is_restarting;
    alarm_rig_play(rig, curve->script);
    return rig;
}

static void test_curves(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        print_message("  %s\n", curves[i].name);
        struct alarm_rig *rig = play(&curves[i], false);
        if (strcmp(rig->text, curves[i].expected) != 0)
            print_message("is:\n%sshould be:\n%s", rig->text, curves[i].expected);
        assert_string_equal(rig->text, curves[i].expected);
        alarm_rig_close(rig);
    }
}

static void test_curves_with_a_restart_at_every_step(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        if (curves[i].is_whole) continue;
        print_message("  %s\n", curves[i].name);
        struct alarm_rig *whole = play(&curves[i], false), *torn = play(&curves[i], true);
        assert_string_equal(torn->text, whole->text);
        assert_true(torn->restarts > 1);
        assert_int_equal(torn->event_count, whole->event_count);
        assert_memory_equal(torn->events, whole->events,
                            whole->event_count * sizeof *whole->events);
        alarm_rig_close(whole);
        alarm_rig_close(torn);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_curves),
        cmocka_unit_test(test_curves_with_a_restart_at_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
