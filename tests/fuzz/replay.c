/* Gives every file of the folders named as arguments to a harness, each as an exact heap copy, and
 * besides it every beginning of the file. */
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <string.h>

static void give(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    FUZZ_REQUIRE(copy != NULL);
    memcpy(copy + 1, data, size);
    (void)LLVMFuzzerTestOneInput(copy + 1, size);
    free(copy);
}

static void replay(const char *path)
{
    static uint8_t data[1 << 16];
    FILE *file = fopen(path, "rb");
    FUZZ_REQUIRE(file != NULL);
    size_t size = fread(data, 1, sizeof data, file);
    (void)fclose(file);
    size_t step = size / 1024 + 1;
    for (size_t cut = 0; cut < size; cut += step) give(data, cut);
    give(data, size);
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        FUZZ_REQUIRE(folder != NULL);
        for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
            char path[1024];
            if (entry->d_name[0] == '.') continue;
            int size = snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            FUZZ_REQUIRE(size > 0 && (size_t)size < sizeof path);
            replay(path);
            count++;
        }
        (void)closedir(folder);
    }
    printf("%u files replayed\n", count);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
