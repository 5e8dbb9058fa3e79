/* fault_disk: a disk in memory that loses what was not synced when the power goes.
 *
 * What a program sees (`now`) and what the medium holds (`kept`) are two images; every write,
 * truncation and change of a name that was not synced yet is remembered between them.  At a
 * chosen call the power goes: that call and all later ones fail.  fault_disk_restart then decides
 * by seed, for each change, whether it was kept, dropped, torn at 512 or 4096 bytes, or garbled.
 * Names keep their order per name only, and all their order on a disk that lies, where the file
 * system's own journal is the last thing left; a sync of a file says nothing about its name.
 *
 * The disk can also lie about syncs, fail or refuse the n-th call, and hold a sync until it is
 * let go.  One thread, except for fault_disk_hold and _await_held. */
#ifndef ISOTHERM_TESTS_FAULT_DISK_H
#define ISOTHERM_TESTS_FAULT_DISK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DISK_FILES = 64, DISK_NAMES = 32, DISK_NAME_SIZE = 128, DISK_NAME_CHANGES = 256 };

enum disk_call { DISK_READ, DISK_WRITE, DISK_TRUNCATE, DISK_SYNC, DISK_NAME, DISK_CALLS };

enum disk_result { DISK_OK, DISK_ERROR, DISK_FULL, DISK_ABSENT };

/* Bytes that grow. */
struct disk_bytes {
    uint8_t *bytes;
    size_t size, capacity;
};

struct disk_change {
    size_t at, size, data; /* size DISK_CUT: the file was cut, or grew, to `at` */
};

#define DISK_CUT SIZE_MAX

struct disk_file {
    struct disk_bytes now, kept, data; /* data: of the changes */
    struct disk_change *changes;
    size_t change_count, change_capacity;
    unsigned handles;
};

struct disk_name {
    char name[DISK_NAME_SIZE]; /* "": free */
    int file;
};

/* from "": `to` was made; to "": `from` was deleted; else renamed. */
struct disk_name_change {
    char from[DISK_NAME_SIZE], to[DISK_NAME_SIZE];
    int file;
};

struct disk_fault {
    unsigned calls; /* 1 << enum disk_call, or-ed */
    uint64_t nth;   /* 1: the next one; 0: none */
    bool is_forever;
    enum disk_result result; /* DISK_ERROR or DISK_FULL */
};

struct fault_disk {
    struct disk_file files[DISK_FILES];
    struct disk_name now[DISK_NAMES], kept[DISK_NAMES];
    struct disk_name_change name_changes[DISK_NAME_CHANGES];
    size_t name_change_count;
    uint64_t random;
    uint64_t calls;  /* that change something, since the last restart */
    uint64_t cut_at; /* the power goes at this one; 0: never */
    bool is_off;
    bool is_lying;                 /* syncs do nothing */
    int spoilt_file;               /* a page of it cannot be read ... */
    size_t spoilt_at, spoilt_size; /* ... 0: none */
    struct disk_fault fault;
    uint64_t fault_calls; /* seen since fault_disk_fail */
    bool was_met;         /* the fault has happened */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_holding, is_held;
};

void fault_disk_init(struct fault_disk *disk, uint64_t seed);
void fault_disk_fini(struct fault_disk *disk);

/* The power comes back; no file may be open.  Clears cut, fault and counts. */
void fault_disk_restart(struct fault_disk *disk);

void fault_disk_fail(struct fault_disk *disk, struct disk_fault fault);
void fault_disk_hold(struct fault_disk *disk, bool is_holding);
void fault_disk_await_held(struct fault_disk *disk);

/* A random number below `limit`. */
uint64_t fault_disk_draw(struct fault_disk *disk, uint64_t limit);

/* -1: no such file. */
int fault_disk_find(const struct fault_disk *disk, const char *name);

/* What programs do.  Nothing is changed by a call that fails, except by that at which the power
 * goes: it may have happened. */
enum disk_result fault_disk_make(struct fault_disk *disk, const char *name, int *file);
enum disk_result fault_disk_rename(struct fault_disk *disk, const char *from, const char *to);
enum disk_result fault_disk_remove(struct fault_disk *disk, const char *name);
enum disk_result fault_disk_sync_names(struct fault_disk *disk);
enum disk_result fault_disk_read(struct fault_disk *disk);
enum disk_result fault_disk_write(struct fault_disk *disk, int file, const void *bytes, size_t size,
                                  size_t at);
enum disk_result fault_disk_cut(struct fault_disk *disk, int file, size_t size);
enum disk_result fault_disk_sync(struct fault_disk *disk, int file);

/* From now on these bytes of the file, whatever its name, cannot be read. */
void fault_disk_spoil(struct fault_disk *disk, const char *name, size_t at, size_t size);
bool fault_disk_is_spoilt(const struct fault_disk *disk, int file, size_t at, size_t size);

/* Changes both images at once, as damage does. */
void fault_disk_put(struct fault_disk *disk, const char *name, const void *bytes, size_t size);

#endif
