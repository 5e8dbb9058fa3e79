/* board: how a machine is recognised, and what a profile does to a configuration. */
#include "board.h"
#include "board_find.h"
#include "support/config_case.h"

#include <dirent.h>

static struct board board_with(const char *compatible, const char *vendor, const char *product)
{
    struct board board = {.sign_count = 1};
    (void)snprintf(board.signs[0].compatible, BOARD_SIGN_SIZE, "%s", compatible);
    (void)snprintf(board.signs[0].dmi_vendor, BOARD_SIGN_SIZE, "%s", vendor);
    (void)snprintf(board.signs[0].dmi_product, BOARD_SIGN_SIZE, "%s", product);
    return board;
}

static struct board_facts facts_of(const char *texts, size_t size)
{
    struct board_facts facts = {.compatible_size = size};
    memcpy(facts.compatible, texts, size);
    return facts;
}

static const char pi[] = "raspberrypi,4-model-b\0brcm,bcm2711";

static void test_the_more_specific_text_ranks_first(void **state)
{
    (void)state;
    struct board_facts facts = facts_of(pi, sizeof pi);
    struct board model = board_with("raspberrypi,4-model-b", "", "");
    struct board family = board_with("raspberrypi,*", "", "");
    struct board chip = board_with("brcm,bcm2711", "", "");
    struct board other = board_with("raspberrypi,3-model-b", "", "");
    const char *fact = NULL;
    assert_true(board_rank(&model, &facts, &fact) < board_rank(&family, &facts, NULL));
    assert_string_equal(fact, "raspberrypi,4-model-b");
    assert_true(board_rank(&family, &facts, NULL) < board_rank(&chip, &facts, NULL));
    assert_true(board_rank(&chip, &facts, NULL) < UINT32_MAX);
    assert_int_equal(board_rank(&other, &facts, NULL), UINT32_MAX);
}

static void test_nothing_fits_a_profile_without_signs_or_a_machine_without_facts(void **state)
{
    (void)state;
    struct board_facts facts = facts_of(pi, sizeof pi), none = {.compatible_size = 0};
    struct board silent = {.sign_count = 0}, any = board_with("*", "", "");
    assert_int_equal(board_rank(&silent, &facts, NULL), UINT32_MAX);
    assert_int_equal(board_rank(&any, &none, NULL), UINT32_MAX);
    assert_true(board_rank(&any, &facts, NULL) < UINT32_MAX);
}

static void test_a_text_without_an_end_is_not_looked_at(void **state)
{
    (void)state;
    struct board_facts facts = facts_of("a,b\0c,d", 7); /* the NUL behind d is missing */
    struct board first = board_with("a,b", "", ""), second = board_with("c,d", "", "");
    assert_true(board_rank(&first, &facts, NULL) < UINT32_MAX);
    assert_int_equal(board_rank(&second, &facts, NULL), UINT32_MAX);
}

static void test_all_texts_of_a_sign_must_fit(void **state)
{
    (void)state;
    struct board_facts facts = {.dmi_vendor = "Advantech", .dmi_product = "UNO-2271G"};
    struct board both = board_with("", "Advantech*", "UNO-*");
    struct board other = board_with("", "Advantech*", "EPC-*");
    struct board tree = board_with("advantech,*", "Advantech*", "");
    assert_true(board_rank(&both, &facts, NULL) < UINT32_MAX);
    assert_int_equal(board_rank(&other, &facts, NULL), UINT32_MAX);
    assert_int_equal(board_rank(&tree, &facts, NULL), UINT32_MAX);
}

/* Writes boards/NAME/board.yaml in the directory of the case. */
static void write_profile(struct config_case *test, const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/boards", test->directory);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof path, "boards/%s", name);
    case_make_directory(test, path);
    (void)snprintf(path, sizeof path, "boards/%s/board.yaml", name);
    case_write(test, path, text);
}

static void write_machine(struct config_case *test, const char *texts, size_t size)
{
    case_make_directory(test, "root");
    case_make_directory(test, "root/proc");
    case_make_directory(test, "root/proc/device-tree");
    case_write_bytes(test, "root/proc/device-tree/compatible", texts, size);
}

static int64_t a_mebibyte(const struct config *config)
{
    (void)config;
    return 1 << 20;
}

static void load_for(struct config_case *test, const char *name)
{
    char boards[96], root[96];
    (void)snprintf(boards, sizeof boards, "%s/boards", test->directory);
    (void)snprintf(root, sizeof root, "%s/root", test->directory);
    const struct config_purpose purpose = {
        .boards = {.directories = boards, .root = root, .name = name}, .plan_bytes = a_mebibyte};
    config_fini(&test->config);
    test->status = config_load_for(&test->config, test->path, &purpose, &test->problems);
}

#define ONE_SOURCE "sources:\n  - serial: {port: /dev/ttyS0, line: \"{device},{value}\"}\n"
#define REST "uplink: {mqtt: {broker: \"mqtt://127.0.0.1\"}}\ngateway: g\n"

static void test_the_machine_decides_where_nothing_is_written(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    write_machine(&test, pi, sizeof pi);
    write_profile(&test, "a", "name: a\ndetect: [\"brcm,*\"]\n");
    write_profile(&test, "b", "name: b\ndetect: [\"raspberrypi,4-model-b\"]\n");
    write_profile(&test, "c", "name: c\ndetect: [\"raspberrypi,5-model-b\"]\n");
    case_write(&test, "a.yaml", ONE_SOURCE REST);
    load_for(&test, NULL);
    case_print(&test);
    assert_int_equal(test.status, ST_OK);
    assert_string_equal(test.config.board.name, "b");
    assert_string_equal(test.config.board_found.fact, "raspberrypi,4-model-b");
    case_write(&test, "a.yaml", "board: c\n" ONE_SOURCE REST);
    load_for(&test, NULL);
    assert_string_equal(test.config.board.name, "c");
    load_for(&test, "a"); /* what is said on the command line comes first */
    assert_string_equal(test.config.board.name, "a");
    case_close(&test);
}

static void test_a_profile_may_be_given_as_a_file(void **state)
{
    (void)state;
    struct config_case test;
    char file[96];
    case_open(&test);
    write_machine(&test, pi, sizeof pi);
    case_write(&test, "mine.yaml", "name: mine\ndetect: [\"raspberrypi,4-model-b\"]\n");
    case_write(&test, "a.yaml", ONE_SOURCE REST);
    load_for(&test, NULL);
    (void)snprintf(file, sizeof file, "%s/mine.yaml", test.directory);
    struct config_purpose purpose = {.boards = {.directories = file, .name = "mine"}};
    config_fini(&test.config);
    test.status = config_load_for(&test.config, test.path, &purpose, &test.problems);
    case_print(&test);
    assert_int_equal(test.status, ST_OK);
    assert_string_equal(test.config.board.file, file);
    purpose.boards.directories = "/nowhere/at-all.yaml";
    config_fini(&test.config);
    test.status = config_load_for(&test.config, test.path, &purpose, &test.problems);
    assert_int_equal(test.status, ST_INVALID);
    case_close(&test);
}

static void test_a_machine_that_nobody_described_is_generic(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    write_machine(&test, "acme,toaster", sizeof "acme,toaster");
    write_profile(&test, "a", "name: a\ndetect: [\"brcm,*\"]\nlimits: {devices: 1}\n");
    case_write(&test, "a.yaml", "board: auto\n" ONE_SOURCE REST);
    load_for(&test, NULL);
    assert_int_equal(test.status, ST_OK);
    assert_string_equal(test.config.board.name, "generic");
    assert_int_equal(test.config.limits.devices, 1000);
    case_close(&test);
}

static void test_the_first_of_two_profiles_of_a_name_counts(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    write_machine(&test, pi, sizeof pi);
    write_profile(&test, "one", "name: a\ndetect: [\"brcm,*\"]\nlimits: {devices: 11}\n");
    write_profile(&test, "two", "name: a\ndetect: [\"raspberrypi,*\"]\nlimits: {devices: 22}\n");
    case_write(&test, "a.yaml", ONE_SOURCE REST);
    load_for(&test, NULL);
    assert_int_equal(test.config.board.limits.devices, 11);
    load_for(&test, "a");
    assert_int_equal(test.config.board.limits.devices, 11);
    case_close(&test);
}

static void test_limits_are_lowered_and_never_raised(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    write_machine(&test, pi, sizeof pi);
    write_profile(&test, "small", "name: small\nlimits: {devices: 300, payload: 1 KiB}\n");
    write_profile(&test, "large", "name: large\nlimits: {devices: 50000, payload: 64 KiB}\n");
    case_write(&test, "a.yaml", "board: small\n" ONE_SOURCE REST);
    load_for(&test, NULL);
    assert_int_equal(test.status, ST_OK);
    assert_int_equal(test.config.limits.devices, 300);
    assert_int_equal(test.config.limits.payload_bytes, 1024);
    load_for(&test, "large");
    assert_int_equal(test.config.limits.devices, 1000);
    assert_int_equal(test.config.limits.payload_bytes, 4096);
    case_close(&test);
}

static void test_what_asks_for_more_than_the_board_allows_is_refused_at_its_place(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    write_machine(&test, pi, sizeof pi);
    write_profile(&test, "small",
                  "name: small\nlimits: {devices: 300, payload: 1 KiB, store: 128 MiB}\n");
    case_write(
        &test, "a.yaml",
        "board: small\nstore: {budget: 1 GiB}\nlimits: {devices: 301, payload: 1025}\n" ONE_SOURCE
            REST);
    load_for(&test, NULL);
    assert_int_equal(test.status, ST_INVALID);
    case_assert_problem(&test, 0,
                        "a.yaml:2:17: error: budget: 1 GiB, but the board small allows at most "
                        "128 MiB");
    case_assert_problem(&test, 1,
                        "a.yaml:3:19: error: devices: 301, but the board small allows at most 300");
    case_assert_problem(
        &test, 2, "a.yaml:3:33: error: payload: 1025, but the board small allows at most 1 KiB");
    assert_int_equal(test.problems.count, 3);
    case_close(&test);
}

static void test_more_memory_than_the_board_allows_is_refused(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    write_machine(&test, pi, sizeof pi);
    write_profile(&test, "enough", "name: enough\nlimits: {memory: 4 MiB}\n");
    case_write(&test, "a.yaml",
               "board: enough\nlimits: {devices: 20, memory: 1 MiB}\n" ONE_SOURCE REST);
    load_for(&test, NULL);
    assert_int_equal(test.status, ST_OK);
    case_write(&test, "a.yaml",
               "board: enough\nlimits: {devices: 20, memory: 1048575}\n" ONE_SOURCE REST);
    load_for(&test, NULL);
    assert_int_equal(test.status, ST_INVALID);
    case_assert_some(&test, 2, "memory: this configuration takes 1024 KiB, where limits.memory");
    case_close(&test);
}

static const char *port_of(const struct config_case *test)
{
    const struct field *field = field_find(test->config.sources[0].driver->options, "port");
    return field_member(field, test->config.sources[0].options);
}

static int rs485_of(const struct config_case *test)
{
    const struct field *field = field_find(test->config.sources[0].driver->options, "rs485");
    return *(int *)field_member(field, test->config.sources[0].options);
}

#define PORTS                                                                                      \
    "name: p\nserial:\n"                                                                           \
    "  - {name: rs485-1, path: /dev/ttymxc1, rs485: ioctl}\n"                                      \
    "  - {name: rs485-2, path: /dev/ttyM0, rs485: command, command: mode 2}\n"                     \
    "  - {name: mini, path: /dev/ttyS7, parity: false}\n"

static void test_a_port_is_named_by_the_profile(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    write_machine(&test, pi, sizeof pi);
    write_profile(&test, "p", PORTS);
    case_write(
        &test, "a.yaml",
        "board: p\nsources:\n  - serial: {port: rs485-1, line: \"{device},{value}\"}\n" REST);
    load_for(&test, NULL);
    case_print(&test);
    assert_int_equal(test.status, ST_OK);
    assert_string_equal(port_of(&test), "/dev/ttymxc1");
    assert_int_equal(rs485_of(&test), 1); /* kernel */
    case_write(&test, "a.yaml",
               "board: p\nsources:\n  - serial: {port: rs485-1, line: \"{device},{value}\", rs485: "
               "none}\n" REST);
    load_for(&test, NULL);
    assert_int_equal(rs485_of(&test), 0); /* what was written stays */
    case_close(&test);
}

static void test_a_port_that_the_board_has_not_is_said_with_the_nearest(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    write_machine(&test, pi, sizeof pi);
    write_profile(&test, "p", PORTS);
    case_write(&test, "a.yaml",
               "board: p\nsources:\n  - serial: {port: rs48-1, line: \"{device},{value}\"}\n"
               "  - serial: {port: zzz, line: \"{device},{value}\"}\n" REST);
    load_for(&test, NULL);
    assert_int_equal(test.status, ST_INVALID);
    case_assert_problem(&test, 0,
                        "a.yaml:3:20: error: port: the board p has no port \"rs48-1\"; did you "
                        "mean \"rs485-1\"?");
    case_assert_some(&test, 4, "nor a port of the board p, which has rs485-1, rs485-2, mini");
    case_close(&test);
}

static void test_two_names_of_one_port_are_one_port(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    write_machine(&test, pi, sizeof pi);
    write_profile(&test, "p", PORTS);
    case_write(&test, "a.yaml",
               "board: p\nsources:\n  - serial: {port: rs485-1, line: \"{device},{value}\"}\n"
               "  - serial: {port: /dev/ttymxc1, line: \"{device},{value}\"}\n" REST);
    load_for(&test, NULL);
    assert_int_equal(test.status, ST_INVALID);
    case_assert_some(&test, 4, "source serial[0] has /dev/ttymxc1 already");
    case_close(&test);
}

static void test_traps_of_a_port_are_warned_of(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    write_machine(&test, pi, sizeof pi);
    write_profile(&test, "p", PORTS);
    case_write(&test, "a.yaml",
               "board: p\nsources:\n  - serial: {port: rs485-2, line: \"{device},{value}\"}\n"
               "  - serial: {port: /dev/ttyS7, line: \"{device},{value}\", parity: even}\n" REST);
    load_for(&test, NULL);
    assert_int_equal(test.status, ST_OK);
    case_assert_some(&test, 3, "switched to RS-485 by a command, to be run before: mode 2");
    case_assert_some(&test, 4, "mini has no parity on this board");
    case_close(&test);
}

static void test_a_mistake_in_the_profile_is_said_with_its_place(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    write_machine(&test, pi, sizeof pi);
    write_profile(&test, "bad",
                  "name: bad\nclock_batery: true\nstorage: floppy\nlimits:\n  devices: 100001\n"
                  "serial:\n  - {name: a b, path: ttyS0}\ndetect:\n  - {}\n");
    case_write(&test, "a.yaml", "board: bad\n" ONE_SOURCE REST);
    load_for(&test, NULL);
    assert_int_equal(test.status, ST_INVALID);
    case_assert_problem(&test, 0,
                        "board.yaml:2:1: error: unknown key \"clock_batery\"; did you mean "
                        "\"clock_battery\"?");
    case_assert_some(&test, 3, "storage: must be one of sd, ");
    case_assert_some(&test, 5, "devices: must be a whole number between 1 and 100000");
    case_assert_some(&test, 7, "name: may hold only");
    case_assert_some(&test, 7, "path: must be a full path");
    case_assert_some(&test, 9, "compatible: a sign needs");
    case_close(&test);
}

static void test_a_mistake_in_the_profile_of_another_board_is_a_warning(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    write_machine(&test, pi, sizeof pi);
    write_profile(&test, "bad", "name: bad\nstorage: floppy\ndetect: [\"acme,*\"]\n");
    write_profile(&test, "good", "name: good\ndetect: [\"brcm,*\"]\n");
    case_write(&test, "a.yaml", ONE_SOURCE REST);
    load_for(&test, NULL);
    assert_int_equal(test.status, ST_OK);
    assert_string_equal(test.config.board.name, "good");
    case_assert_problem(&test, 0,
                        "board.yaml:2:10: warning: storage: must be one of sd, emmc, nand, ssd, "
                        "hdd or ram, not \"floppy\"");
    case_close(&test);
}

static void test_a_board_that_is_not_there_is_said_once(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    write_machine(&test, pi, sizeof pi);
    write_profile(&test, "good-one", "name: good-one\n");
    case_write(
        &test, "a.yaml",
        "board: god-one\nsources:\n  - serial: {port: rs485-1, line: \"{device},{value}\"}\n" REST);
    load_for(&test, NULL);
    assert_int_equal(test.status, ST_INVALID);
    assert_int_equal(test.problems.count, 1);
    case_assert_problem(&test, 0,
                        "a.yaml:1:8: error: board: there is no profile \"god-one\"; did you mean "
                        "\"good-one\"?");
    case_close(&test);
}

static void count_listed(void *context, const struct board *board)
{
    size_t *listed = context;
    char page[LIMIT_PATH_SIZE + 16], folder[LIMIT_PATH_SIZE];
    (void)snprintf(folder, sizeof folder, "%s", board->file);
    *strrchr(folder, '/') = '\0';
    (void)snprintf(page, sizeof page, "%s/README.md", folder);
    if (access(page, F_OK) != 0) fail_msg("%s is not there", page);
    assert_string_equal(strrchr(folder, '/') + 1, board->name);
    assert_true(board->title[0] != '\0');
    assert_true(board->toolchain_count > 0);
    for (size_t i = 0; i < board->toolchain_count; i++) {
        (void)snprintf(page, sizeof page, SOURCE_DIR "/toolchains/%s.cmake",
                       board->toolchains[i].name);
        if (access(page, F_OK) != 0) assert_string_equal(board->toolchains[i].name, "amd64");
    }
    ++*listed;
}

static void test_every_profile_that_ships_is_sound_and_has_its_page(void **state)
{
    (void)state;
    struct config_problem items[8];
    struct config_problems problems = {.items = items, .capacity = 8};
    struct config_tree tree;
    size_t listed = 0;
    assert_int_equal(config_tree_init(&tree, &problems), ST_OK);
    const struct board_search search = {.directories = SOURCE_DIR "/boards"};
    board_list(&tree, &search, count_listed, &listed);
    for (size_t i = 0; i < problems.count && i < 8; i++)
        print_message("%s:%u: %s\n", items[i].file, items[i].line, items[i].text);
    assert_int_equal(problems.count, 0);
    assert_int_equal(tree.errors, 0);
    assert_true(listed >= 17);
    config_tree_fini(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_more_specific_text_ranks_first),
        cmocka_unit_test(test_nothing_fits_a_profile_without_signs_or_a_machine_without_facts),
        cmocka_unit_test(test_a_text_without_an_end_is_not_looked_at),
        cmocka_unit_test(test_all_texts_of_a_sign_must_fit),
        cmocka_unit_test(test_the_machine_decides_where_nothing_is_written),
        cmocka_unit_test(test_a_profile_may_be_given_as_a_file),
        cmocka_unit_test(test_a_machine_that_nobody_described_is_generic),
        cmocka_unit_test(test_the_first_of_two_profiles_of_a_name_counts),
        cmocka_unit_test(test_limits_are_lowered_and_never_raised),
        cmocka_unit_test(test_what_asks_for_more_than_the_board_allows_is_refused_at_its_place),
        cmocka_unit_test(test_more_memory_than_the_board_allows_is_refused),
        cmocka_unit_test(test_a_port_is_named_by_the_profile),
        cmocka_unit_test(test_a_port_that_the_board_has_not_is_said_with_the_nearest),
        cmocka_unit_test(test_two_names_of_one_port_are_one_port),
        cmocka_unit_test(test_traps_of_a_port_are_warned_of),
        cmocka_unit_test(test_a_mistake_in_the_profile_is_said_with_its_place),
        cmocka_unit_test(test_a_mistake_in_the_profile_of_another_board_is_a_warning),
        cmocka_unit_test(test_a_board_that_is_not_there_is_said_once),
        cmocka_unit_test(test_every_profile_that_ships_is_sound_and_has_its_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
