/* Invariant: prints what plan_make computed and computes nothing. */
#include "command.h"
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>

static int run_plan(int argc, char **argv)
{
    struct config *config = calloc(1, sizeof *config);
    if (argc < 2 || command_load_config(config, argv[1], false) != EXIT_OK) return EXIT_CONFIG;
    struct plan plan;
    struct plan_assumptions assumptions = plan_assume();
    if (plan_make(&plan, config, &assumptions) != ST_OK) return EXIT_FAILED;
    for (size_t i = 0; i < plan.part_count; i++)
        printf("%-50s %10ld %10ld\n", plan.parts[i].name, (long)plan.parts[i].bytes,
               (long)plan.parts[i].resident_bytes);
    printf("ours %ld device %ld resident %ld anon %ld\n", (long)plan.ours_bytes,
           (long)plan.device_bytes, (long)plan.resident_bytes, (long)plan.anonymous_bytes);
    return 0;
}

const struct command command_plan = {
    .name = "plan", .summary = "say what a configuration will use", .help = "", .run = run_plan};
