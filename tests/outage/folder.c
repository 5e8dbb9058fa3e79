#include "outage/folder.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void visit(const char *folder, void (*fn)(const char *path, int64_t *total), int64_t *total)
{
    DIR *directory = opendir(folder);
    if (directory == NULL) return;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        fn(path, total);
    }
    (void)closedir(directory);
}

static void measure(const char *path, int64_t *total)
{
    struct stat found;
    if (stat(path, &found) == 0 && S_ISREG(found.st_mode)) *total += found.st_size;
}

static void delete (const char *path, int64_t *total)
{
    (void)total;
    (void)unlink(path);
}

int64_t folder_measure_bytes(const char *folder)
{
    int64_t total = 0;
    visit(folder, measure, &total);
    return total;
}

void folder_remove(const char *folder)
{
    visit(folder, delete, NULL);
    (void)rmdir(folder);
}
