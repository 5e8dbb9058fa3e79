/* Invariant: what goes on from here is valid UTF-8 without NUL and of bounded size. */
#include "config_file.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes of the well-formed UTF-8 character at `bytes`, 0 when it is not one (Unicode 15, table
 * 3-7: no overlong forms, no surrogates, nothing above U+10FFFF). */
static size_t character_size(const unsigned char *bytes, size_t size)
{
    unsigned char first = bytes[0];
    if (first < 0x80) return first == 0 ? 0 : 1;
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || length > size) return 0;
    unsigned char low = 0x80, high = 0xbf;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
    if (bytes[1] < low || bytes[1] > high) return 0;
    for (size_t i = 2; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) return 0;
    }
    return length;
}

bool config_file_is_text(const char *bytes, size_t size, size_t *at)
{
    *at = 0;
    while (*at < size) {
        size_t length = character_size((const unsigned char *)bytes + *at, size - *at);
        if (length == 0) return false;
        *at += length;
    }
    return true;
}

static void report_not_text(struct config_tree *tree, const char *path, const char *bytes,
                            size_t at)
{
    unsigned line = 1, column = 1;
    for (size_t i = 0; i < at; i++) {
        if (bytes[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)bytes[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    config_tree_report(tree, path, line, column, false, "%s; the file must be UTF-8 text",
                       bytes[at] == '\0' ? "a NUL byte" : "a byte that is not UTF-8");
}

static enum status read_all(int fd, char *bytes, size_t capacity, size_t *size)
{
    *size = 0;
    while (*size < capacity) {
        ssize_t got = read(fd, bytes + *size, capacity - *size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return ST_IO;
        if (got == 0) break;
        *size += (size_t)got;
    }
    return ST_OK;
}

/* Never waits: a FIFO or device in place of the file is refused. */
static int open_regular(const char *path, const char **problem)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        *problem = strerror(errno);
        return -1;
    }
    *problem = NULL;
    if (fstat(fd, &about) != 0) {
        *problem = strerror(errno);
    } else if (S_ISDIR(about.st_mode)) {
        *problem = "is a directory, not a file";
    } else if (!S_ISREG(about.st_mode)) {
        *problem = "is not a regular file";
    }
    if (*problem == NULL) return fd;
    close(fd);
    return -1;
}

enum status config_file_read(struct config_tree *tree, const char *path, char **bytes, size_t *size)
{
    const char *problem = NULL;
    *bytes = NULL;
    int fd = open_regular(path, &problem);
    if (fd < 0) {
        config_tree_report(tree, path, 0, 0, false, "cannot be read: %s", problem);
        return ST_IO;
    }
    enum status status = ST_NO_MEMORY;
    char *all = malloc(CONFIG_FILE_MAX_BYTES + 1);
    if (all != NULL) {
        status = read_all(fd, all, CONFIG_FILE_MAX_BYTES + 1, size);
        if (status == ST_IO) {
            config_tree_report(tree, path, 0, 0, false, "cannot be read: %s", strerror(errno));
        }
    }
    close(fd);
    size_t at = 0;
    if (status == ST_OK && *size > CONFIG_FILE_MAX_BYTES) {
        config_tree_report(tree, path, 0, 0, false, "is larger than %d bytes",
                           CONFIG_FILE_MAX_BYTES);
        status = ST_INVALID;
    } else if (status == ST_OK && !config_file_is_text(all, *size, &at)) {
        report_not_text(tree, path, all, at);
        status = ST_INVALID;
    }
    if (status != ST_OK) {
        free(all);
        return status;
    }
    *bytes = all;
    return ST_OK;
}

static bool is_name_character(char c, bool is_first)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           (!is_first && c >= '0' && c <= '9');
}

/* Expands what stands between the braces. */
static enum status expand_variable(struct text *expanded, const char *inner, size_t size,
                                   struct text *problem)
{
    char name[128];
    size_t name_size = 0;
    while (name_size < size && name_size + 1 < sizeof name &&
           is_name_character(inner[name_size], name_size == 0)) {
        name[name_size] = inner[name_size];
        name_size++;
    }
    name[name_size] = '\0';
    bool has_default = size - name_size >= 2 && strncmp(inner + name_size, ":-", 2) == 0;
    if (name_size == 0 || (name_size < size && !has_default)) {
        text_add(problem, "after \"${\" comes a variable's name and \"}\" or \":-default}\"; "
                          "write $$ for a dollar sign");
        return ST_INVALID;
    }
    const char *value = getenv(name);
    size_t at = 0;
    if (value != NULL && value[0] != '\0') {
        if (!config_file_is_text(value, strlen(value), &at)) {
            text_add(problem, "environment variable ");
            text_add(problem, name);
            text_add(problem, " is not UTF-8 text");
            return ST_INVALID;
        }
        text_add(expanded, value);
    } else if (has_default) {
        text_add_bytes(expanded, inner + name_size + 2, size - name_size - 2);
    } else if (value == NULL) {
        text_add(problem, "environment variable ");
        text_add(problem, name);
        text_add(problem, " is not set and no default is given (${");
        text_add(problem, name);
        text_add(problem, ":-default})");
        return ST_INVALID;
    }
    return ST_OK;
}

enum status config_expand_text(const char *text, char *expanded, size_t capacity, char *problem,
                               size_t problem_size)
{
    struct text out, words;
    text_init(&out, expanded, capacity);
    text_init(&words, problem, problem_size);
    while (*text != '\0') {
        size_t plain = strcspn(text, "$");
        text_add_bytes(&out, text, plain);
        text += plain;
        if (text[0] == '\0') break;
        if (text[1] == '{') {
            const char *end = strchr(text, '}');
            if (end == NULL) {
                text_add(&words, "\"${\" without \"}\"; write $$ for a dollar sign");
                return ST_INVALID;
            }
            enum status status = expand_variable(&out, text + 2, (size_t)(end - text) - 2, &words);
            if (status != ST_OK) return status;
            text = end + 1;
        } else {
            text_add_char(&out, '$');
            text += text[1] == '$' ? 2 : 1;
        }
    }
    if (!out.is_cut) return ST_OK;
    text_add(&words, "is too long");
    return ST_INVALID;
}
