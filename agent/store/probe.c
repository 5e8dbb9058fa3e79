/* Invariant: a medium on which nothing can be read, or nothing written, is never called good. */
#include "store/probe.h"

#include "store/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK_BYTES = 4096 };

struct tally {
    uint64_t good, bad;
};

static void read_through(const char *path, struct tally *tally)
{
    uint8_t chunk[CHUNK_BYTES];
    int64_t bytes = store_file_bytes(path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return;
    for (int64_t at = 0; at < bytes; at += CHUNK_BYTES) {
        ssize_t size = pread(fd, chunk, sizeof chunk, (off_t)at);
        if (size < 0 && errno == EIO)
            tally->bad++;
        else if (size > 0)
            tally->good++;
    }
    (void)close(fd);
}

static bool can_write(const char *path)
{
    char probe[STORE_FILE_PATH_SIZE];
    uint8_t chunk[CHUNK_BYTES], again[CHUNK_BYTES] = {0};
    store_file_join(probe, path, ".probe");
    memset(chunk, 0x5a, sizeof chunk);
    int fd = open(probe, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) return false;
    bool is_good = pwrite(fd, chunk, sizeof chunk, 0) == (ssize_t)sizeof chunk && fsync(fd) == 0 &&
                   pread(fd, again, sizeof again, 0) == (ssize_t)sizeof again &&
                   memcmp(chunk, again, sizeof chunk) == 0;
    (void)close(fd);
    return unlink(probe) == 0 && is_good;
}

bool probe_finds_bad_sector(const char *path, struct log *log)
{
    char wal[STORE_FILE_PATH_SIZE];
    struct tally tally = {0};
    store_file_join(wal, path, "-wal");
    read_through(path, &tally);
    read_through(wal, &tally);
    if (tally.bad == 0 || tally.good == 0 || !can_write(path)) return false;
    log_limited(log, LOG_LEVEL_ERROR, "store", "sector",
                "%s: %" PRIu64 " of %" PRIu64 " pages cannot be read, though the disk works", path,
                tally.bad, tally.bad + tally.good);
    return true;
}
