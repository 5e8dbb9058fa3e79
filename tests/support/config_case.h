/* config_case: a directory with configuration files, and what loading them gives. */
#ifndef ISOTHERM_TESTS_CONFIG_CASE_H
#define ISOTHERM_TESTS_CONFIG_CASE_H

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { CASE_PROBLEMS = 64 };

struct config_case {
    char directory[64];
    char path[96]; /* of the main file */
    struct config config;
    struct config_problem items[CASE_PROBLEMS];
    struct config_problems problems;
    enum status status;
};

static inline void case_write_bytes(const struct config_case *test, const char *name,
                                    const char *bytes, size_t size)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", test->directory, name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
}

static inline void case_write(const struct config_case *test, const char *name, const char *text)
{
    case_write_bytes(test, name, text, strlen(text));
}

static inline void case_open(struct config_case *test)
{
    memset(test, 0, sizeof *test);
    (void)snprintf(test->directory, sizeof test->directory, "/tmp/isotherm-config-XXXXXX");
    assert_non_null(mkdtemp(test->directory));
    (void)snprintf(test->path, sizeof test->path, "%s/a.yaml", test->directory);
    test->problems = (struct config_problems){.items = test->items, .capacity = CASE_PROBLEMS};
}

static inline void case_make_directory(const struct config_case *test, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", test->directory, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static inline void case_load(struct config_case *test)
{
    config_fini(&test->config);
    test->status = config_load(&test->config, test->path, &test->problems);
}

/* Opens, writes the main file and loads it. */
static inline void case_run(struct config_case *test, const char *text)
{
    case_open(test);
    case_write(test, "a.yaml", text);
    case_load(test);
}

static inline void case_close(struct config_case *test)
{
    char command[160];
    config_fini(&test->config);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", test->directory);
    assert_int_equal(system(command), 0);
}

static inline void case_print(const struct config_case *test)
{
    for (size_t i = 0; i < test->problems.count && i < CASE_PROBLEMS; i++) {
        const struct config_problem *problem = &test->items[i];
        const char *slash = strrchr(problem->file, '/');
        print_message("%s:%u:%u: %s: %s\n", slash != NULL ? slash + 1 : problem->file,
                      problem->line, problem->column, problem->is_warning ? "warning" : "error",
                      problem->text);
    }
}

/* The index-th problem as it is printed, the file without its directory. */
static inline void case_assert_problem(const struct config_case *test, size_t index,
                                       const char *expected)
{
    char line[640] = "none";
    if (index < test->problems.count) {
        const struct config_problem *problem = &test->items[index];
        const char *slash = strrchr(problem->file, '/');
        (void)snprintf(line, sizeof line, "%s:%u:%u: %s: %s",
                       slash != NULL ? slash + 1 : problem->file, problem->line, problem->column,
                       problem->is_warning ? "warning" : "error", problem->text);
    }
    assert_string_equal(line, expected);
}

/* Some problem has the line and contains the words. */
static inline void case_assert_some(const struct config_case *test, unsigned line,
                                    const char *words)
{
    for (size_t i = 0; i < test->problems.count && i < CASE_PROBLEMS; i++) {
        if (test->items[i].line == line && strstr(test->items[i].text, words) != NULL) return;
    }
    case_print(test);
    fail_msg("no problem in line %u with: %s", line, words);
}

/* What every complete configuration needs. */
#define CASE_REST                                                                                  \
    "sources: [{mqtt: {broker: \"mqtt://127.0.0.1\", subscribe: [{topic: a/+device}]}}]\n"         \
    "uplink: {mqtt: {broker: \"mqtt://127.0.0.1:1884\"}}\n"

#endif
