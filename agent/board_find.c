/* Invariant: a profile with an error is never used without the error being reported; one that is
 * for another board never keeps this one from starting. */
#include "board_find.h"

#include "config_fill.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROFILE "board.yaml"
#define FALLBACK "generic"

enum { PATH_SIZE = LIMIT_PATH_SIZE, KNOWN_MAX = 128, DIRECTORIES_MAX = 16 };

/* One walk over all profiles. */
struct walk {
    struct config_tree *tree;
    const struct board_search *search;
    void (*visit)(struct walk *walk, const char *path);
    void *context;
    char (*known)[BOARD_NAME_SIZE]; /* names seen, so that the first counts */
    size_t known_count;
    struct stat directories[DIRECTORIES_MAX]; /* seen, so that none is read under two paths */
    size_t directory_count;
    size_t profiles;
    bool is_done;
};

struct board_search board_search_default(void)
{
    return (struct board_search){.directories = getenv("ISOTHERM_BOARDS"),
                                 .root = getenv("ISOTHERM_ROOT")};
}

/* Reads a small file of the system; returns its size, 0 when there is none. */
static size_t read_small(const char *root, const char *name, char *bytes, size_t capacity)
{
    char path[2 * PATH_SIZE];
    int length = snprintf(path, sizeof path, "%s%s", root != NULL ? root : "", name);
    if (length < 0 || (size_t)length >= sizeof path) return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t size = read(fd, bytes, capacity - 1);
    (void)close(fd);
    if (size <= 0) return 0;
    bytes[size] = '\0';
    return (size_t)size;
}

static void read_line(const char *root, const char *name, char *line, size_t capacity)
{
    size_t size = read_small(root, name, line, capacity);
    line[size] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
}

/* A device tree ends each text with NUL; files written by hand may separate them by line ends. */
static void read_compatible(struct board_facts *facts, const char *root)
{
    static const char *const names[] = {"/proc/device-tree/compatible",
                                        "/sys/firmware/devicetree/base/compatible"};
    for (size_t i = 0; i < 2 && facts->compatible_size == 0; i++)
        facts->compatible_size =
            read_small(root, names[i], facts->compatible, sizeof facts->compatible);
    for (size_t i = 0; i < facts->compatible_size; i++)
        if (facts->compatible[i] == '\n') facts->compatible[i] = '\0';
    size_t size = facts->compatible_size;
    if (size > 0 && facts->compatible[size - 1] != '\0') facts->compatible_size++;
}

void board_read_facts(struct board_facts *facts, const char *root)
{
    char memory[128];
    memset(facts, 0, sizeof *facts);
    read_compatible(facts, root);
    read_line(root, "/sys/class/dmi/id/sys_vendor", facts->dmi_vendor, sizeof facts->dmi_vendor);
    read_line(root, "/sys/class/dmi/id/product_name", facts->dmi_product,
              sizeof facts->dmi_product);
    read_line(root, "/proc/meminfo", memory, sizeof memory);
    if (strncmp(memory, "MemTotal:", 9) == 0)
        facts->memory_bytes = strtoll(memory + 9, NULL, 10) * 1024;
}

/* Fills *board from one file.  True: it can be used. */
static bool read_profile(struct config_tree *problems, const char *path, struct board *board)
{
    struct config_tree tree;
    struct config_node *root = NULL;
    memset(board, 0, sizeof *board);
    enum status status = config_tree_init(&tree, problems->problems);
    if (status == ST_OK) status = field_set_defaults(&board_table, board);
    if (status == ST_OK) status = config_tree_read(&tree, path, &root);
    if (status == ST_OK && root == NULL)
        config_tree_report(&tree, path, 1, 1, false, "the profile says nothing");
    if (root != NULL) config_fill_group(&tree, &board_table, root, board, NULL);
    (void)snprintf(board->file, sizeof board->file, "%s", path);
    bool is_good = status == ST_OK && tree.errors == 0;
    problems->errors += tree.errors + (status == ST_NO_MEMORY);
    config_tree_fini(&tree);
    return is_good;
}

/* What was reported since then concerns another board. */
static void make_warnings(struct config_tree *tree, size_t count_before, size_t errors_before)
{
    struct config_problems *problems = tree->problems;
    tree->errors = errors_before;
    for (size_t i = count_before; i < problems->count && i < problems->capacity; i++)
        problems->items[i].is_warning = true;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static int is_folder_name(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool was_visited(struct walk *walk, const char *directory)
{
    struct stat status;
    if (stat(directory, &status) != 0) return true; /* nothing to visit */
    for (size_t i = 0; i < walk->directory_count; i++)
        if (walk->directories[i].st_dev == status.st_dev &&
            walk->directories[i].st_ino == status.st_ino)
            return true;
    if (walk->directory_count < DIRECTORIES_MAX)
        walk->directories[walk->directory_count++] = status;
    return false;
}

static void visit_directory(struct walk *walk, const char *directory)
{
    char path[PATH_SIZE];
    struct dirent **entries = NULL;
    int size = snprintf(path, sizeof path, "%s/" PROFILE, directory);
    if (size < 0 || (size_t)size >= sizeof path) return;
    if (was_visited(walk, directory)) return;
    if (exists(path)) walk->visit(walk, path);
    int count = scandir(directory, &entries, is_folder_name, compare_names);
    for (int i = 0; i < count; i++) {
        size = snprintf(path, sizeof path, "%s/%s/" PROFILE, directory, entries[i]->d_name);
        bool is_whole = size > 0 && (size_t)size < sizeof path;
        if (is_whole && !walk->is_done && exists(path)) walk->visit(walk, path);
        free(entries[i]);
    }
    free(entries);
}

/* A profile by its own name, whatever that is, or a directory of them. */
static void visit_place(struct walk *walk, const char *place)
{
    struct stat status;
    if (stat(place, &status) != 0)
        config_tree_report(walk->tree, place, 0, 0, false, "%s; no boards there", strerror(errno));
    else if (S_ISDIR(status.st_mode))
        visit_directory(walk, place);
    else
        walk->visit(walk, place);
}

static void visit_given(struct walk *walk)
{
    const char *at = walk->search->directories;
    while (at != NULL && *at != '\0' && !walk->is_done) {
        char directory[PATH_SIZE];
        size_t size = strcspn(at, ":");
        (void)snprintf(directory, sizeof directory, "%.*s", (int)size, at);
        if (size > 0 && size < sizeof directory) visit_place(walk, directory);
        at += size + (at[size] == ':');
    }
}

/* Where the program lies, so that a build tree and any prefix work by themselves. */
static void visit_beside_program(struct walk *walk, const char *relative)
{
    char program[PATH_SIZE], directory[2 * PATH_SIZE];
    ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    if (size <= 0 || walk->is_done) return;
    program[size] = '\0';
    char *slash = strrchr(program, '/');
    if (slash == NULL) return;
    *slash = '\0';
    (void)snprintf(directory, sizeof directory, "%s/%s", program, relative);
    visit_directory(walk, directory);
}

static void walk_profiles(struct walk *walk)
{
    walk->known = calloc(KNOWN_MAX, sizeof *walk->known);
    if (walk->known == NULL) return;
    visit_given(walk);
    if (!walk->is_done) visit_directory(walk, "/etc/isotherm/boards");
    visit_beside_program(walk, "boards");
    visit_beside_program(walk, "../share/isotherm/boards");
    if (!walk->is_done) visit_directory(walk, "/usr/share/isotherm/boards");
    free(walk->known);
}

/* Whether a board of that name was met before; it is from now on. */
static bool is_known(struct walk *walk, const char *name)
{
    for (size_t i = 0; i < walk->known_count; i++)
        if (strcmp(walk->known[i], name) == 0) return true;
    if (walk->known_count < KNOWN_MAX)
        (void)snprintf(walk->known[walk->known_count++], BOARD_NAME_SIZE, "%s", name);
    return false;
}

struct choice {
    const char *wanted; /* NULL: the one that fits best */
    struct board *board, *read;
    struct board_found *found;
    uint32_t rank;
    char nearest[BOARD_NAME_SIZE];
    size_t distance;
};

static void note_nearest(struct choice *choice, const char *name)
{
    size_t distance = field_name_distance(choice->wanted, name);
    if (distance >= choice->distance) return;
    choice->distance = distance;
    (void)snprintf(choice->nearest, sizeof choice->nearest, "%s", name);
}

/* The folder's name serves too, so that a profile with a mistake in its name is still found. */
static bool is_in_folder(const char *path, const char *name)
{
    const char *end = strrchr(path, '/');
    const char *begin = end;
    if (end == NULL) return false;
    while (begin > path && begin[-1] != '/') begin--;
    return strlen(name) == (size_t)(end - begin) && memcmp(begin, name, strlen(name)) == 0;
}

static void take(struct choice *choice, uint32_t rank, const char *fact)
{
    *choice->board = *choice->read;
    choice->rank = rank;
    (void)snprintf(choice->found->fact, sizeof choice->found->fact, "%s", fact);
}

static void visit_to_choose(struct walk *walk, const char *path)
{
    struct choice *choice = walk->context;
    struct board *board = choice->read;
    size_t count = walk->tree->problems->count, errors = walk->tree->errors;
    const char *fact = "";
    bool is_good = read_profile(walk->tree, path, board);
    walk->profiles++;
    if (choice->wanted != NULL) {
        bool is_wanted = strcmp(board->name, choice->wanted) == 0 ||
                         (!is_good && is_in_folder(path, choice->wanted));
        if (!is_wanted) {
            make_warnings(walk->tree, count, errors);
            note_nearest(choice, board->name);
            return;
        }
        take(choice, 0, "");
        walk->is_done = true;
        return;
    }
    uint32_t rank = board_rank(board, &choice->found->facts, &fact);
    if (rank == UINT32_MAX && strcmp(board->name, FALLBACK) == 0) rank--;
    if (rank == UINT32_MAX) make_warnings(walk->tree, count, errors);
    if (!is_known(walk, board->name) && rank < choice->rank) take(choice, rank, fact);
}

static enum status report_not_found(struct config_tree *tree, const struct choice *choice,
                                    const struct config_node *place)
{
    choice->found->is_missing = true;
    const char *separator = choice->nearest[0] != '\0' ? "; did you mean \"" : "";
    const char *end = choice->nearest[0] != '\0' ? "\"?" : "; `isotherm board --list` shows all";
    if (place != NULL)
        config_node_report(tree, place, "board: there is no profile \"%.48s\"%s%s%s",
                           choice->wanted, separator, choice->nearest, end);
    else
        config_tree_report(tree, "command line", 0, 0, false, "there is no board \"%.48s\"%s%s%s",
                           choice->wanted, separator, choice->nearest, end);
    return ST_NOT_FOUND;
}

enum status board_find(struct config_tree *tree, const struct board_search *search,
                       const char *name, const struct config_node *place, struct board *board,
                       struct board_found *found)
{
    bool is_automatic = strcmp(name, "auto") == 0;
    struct choice choice = {.wanted = is_automatic ? NULL : name,
                            .board = board,
                            .found = found,
                            .rank = UINT32_MAX,
                            .distance = SIZE_MAX};
    struct walk walk = {
        .tree = tree, .search = search, .visit = visit_to_choose, .context = &choice};
    memset(board, 0, sizeof *board);
    *found = (struct board_found){.is_automatic = is_automatic};
    if (search->root != NULL && !exists(search->root))
        config_tree_report(tree, search->root, 0, 0, true, "%s; no system to recognise there",
                           strerror(errno));
    board_read_facts(&found->facts, search->root);
    if (field_set_defaults(&board_table, board) != ST_OK) return ST_INVALID;
    memcpy(board->name, FALLBACK, sizeof FALLBACK);
    choice.read = calloc(1, sizeof *choice.read);
    if (choice.read == NULL) return ST_NO_MEMORY;
    walk_profiles(&walk);
    free(choice.read);
    found->profiles = walk.profiles;
    if (is_automatic || walk.is_done || strcmp(name, FALLBACK) == 0) return ST_OK;
    return report_not_found(tree, &choice, place);
}

struct listing {
    void (*fn)(void *context, const struct board *board);
    void *context;
    struct board *read;
};

static void visit_to_list(struct walk *walk, const char *path)
{
    struct listing *listing = walk->context;
    if (read_profile(walk->tree, path, listing->read) && !is_known(walk, listing->read->name))
        listing->fn(listing->context, listing->read);
}

void board_list(struct config_tree *tree, const struct board_search *search,
                void (*fn)(void *context, const struct board *board), void *context)
{
    struct listing listing = {.fn = fn, .context = context};
    struct walk walk = {
        .tree = tree, .search = search, .visit = visit_to_list, .context = &listing};
    listing.read = calloc(1, sizeof *listing.read);
    if (listing.read == NULL) return;
    walk_profiles(&walk);
    free(listing.read);
}
