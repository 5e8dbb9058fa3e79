/* Invariant: `kept` plus some subset of the remembered changes is what a power cut leaves. */
#include "support/fault_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LIAR_CACHE = 96, SMALL_SECTOR = 512, LARGE_SECTOR = 4096 };

enum fate { KEEP, DROP, TEAR_SMALL, TEAR_LARGE, GARBLE, FATES };

/* One cut in four is of a simple kind, for which a disk need not be cruel. */
enum style { ALL_KEPT, ALL_DROPPED, IN_ORDER, MIXED };

static uint64_t draw_bits(struct fault_disk *disk)
{
    uint64_t z = disk->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t fault_disk_draw(struct fault_disk *disk, uint64_t limit)
{
    return draw_bits(disk) % limit;
}

static void resize(struct disk_bytes *bytes, size_t size)
{
    if (size > bytes->capacity) {
        bytes->capacity = size * 2 + LARGE_SECTOR;
        bytes->bytes = realloc(bytes->bytes, bytes->capacity);
        assert_non_null(bytes->bytes);
    }
    if (size > bytes->size) memset(bytes->bytes + bytes->size, 0, size - bytes->size);
    bytes->size = size;
}

static void put(struct disk_bytes *into, const uint8_t *bytes, size_t size, size_t at)
{
    if (size == 0) return;
    if (at + size > into->size) resize(into, at + size);
    memcpy(into->bytes + at, bytes, size);
}

void fault_disk_init(struct fault_disk *disk, uint64_t seed)
{
    memset(disk, 0, sizeof *disk);
    disk->random = seed;
    (void)pthread_mutex_init(&disk->mutex, NULL);
    (void)pthread_cond_init(&disk->changed, NULL);
}

void fault_disk_fini(struct fault_disk *disk)
{
    for (size_t i = 0; i < DISK_FILES; i++) {
        struct disk_file *file = &disk->files[i];
        free(file->now.bytes);
        free(file->kept.bytes);
        free(file->data.bytes);
        free(file->changes);
    }
    (void)pthread_cond_destroy(&disk->changed);
    (void)pthread_mutex_destroy(&disk->mutex);
}

/* Applies the whole change, or the sectors of it that the fate leaves. */
static void apply(struct fault_disk *disk, struct disk_file *file, const struct disk_change *change,
                  enum fate fate)
{
    const uint8_t *data = file->data.bytes + change->data;
    if (change->size == DISK_CUT) {
        if (fate != DROP) resize(&file->kept, change->at);
        return;
    }
    if (fate == KEEP) put(&file->kept, data, change->size, change->at);
    if (fate == KEEP) return;
    size_t end = change->at + change->size;
    bool grows = end > file->kept.size && fault_disk_draw(disk, 2) == 0;
    if (grows) resize(&file->kept, end); /* the length came through, the bytes did not */
    if (fate == DROP) return;
    size_t sector = fate == TEAR_LARGE ? LARGE_SECTOR : SMALL_SECTOR;
    for (size_t at = change->at; at < end;) {
        size_t next = (at / sector + 1) * sector;
        if (next > end) next = end;
        uint8_t noise[LARGE_SECTOR];
        bool is_chosen = fault_disk_draw(disk, 2) == 0;
        if (fate == GARBLE && is_chosen) {
            uint64_t bits = draw_bits(disk);
            for (size_t i = 0; i < next - at; i++) {
                if (i % 8 == 0) bits = draw_bits(disk);
                noise[i] = (uint8_t)(bits >> i % 8 * 8);
            }
            put(&file->kept, noise, next - at, at);
        } else if (is_chosen || fate == GARBLE) {
            put(&file->kept, data + (at - change->at), next - at, at);
        }
        at = next;
    }
}

static void forget_changes(struct disk_file *file)
{
    file->change_count = 0;
    file->data.size = 0;
}

static void remember(struct disk_file *file, size_t at, size_t size, const void *bytes)
{
    if (file->change_count == file->change_capacity) {
        file->change_capacity = file->change_capacity * 2 + 64;
        file->changes = realloc(file->changes, file->change_capacity * sizeof *file->changes);
        assert_non_null(file->changes);
    }
    struct disk_change *change = &file->changes[file->change_count++];
    *change = (struct disk_change){.at = at, .size = size, .data = file->data.size};
    if (size != DISK_CUT) put(&file->data, bytes, size, file->data.size);
}

static struct disk_name *find(struct disk_name *names, const char *name)
{
    for (size_t i = 0; i < DISK_NAMES; i++) {
        if (strcmp(names[i].name, name) == 0) return &names[i];
    }
    return NULL;
}

static void change_name(struct disk_name *names, const struct disk_name_change *change)
{
    struct disk_name *from = change->from[0] != '\0' ? find(names, change->from) : NULL;
    if (change->from[0] != '\0' && from == NULL) return;
    struct disk_name *to = change->to[0] != '\0' ? find(names, change->to) : NULL;
    if (to != NULL) to->name[0] = '\0';
    if (from != NULL) from->name[0] = '\0';
    if (change->to[0] == '\0') return;
    int file = from != NULL ? from->file : change->file;
    to = find(names, "");
    assert_non_null(to);
    memcpy(to->name, change->to, sizeof to->name);
    to->file = file;
}

int fault_disk_find(const struct fault_disk *disk, const char *name)
{
    for (size_t i = 0; i < DISK_NAMES; i++) {
        if (strcmp(disk->now[i].name, name) == 0) return disk->now[i].file;
    }
    return -1;
}

/* Decides about the changes of names: a suffix of them is gone, or some are, each with the later
 * ones that speak of the same name. */
static void settle_names(struct fault_disk *disk, enum style style)
{
    bool is_gone[DISK_NAME_CHANGES] = {false};
    size_t count = disk->name_change_count;
    size_t first_gone = style == ALL_KEPT      ? count
                        : style == ALL_DROPPED ? 0
                                               : (size_t)fault_disk_draw(disk, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct disk_name_change *change = &disk->name_changes[i];
        is_gone[i] = style == MIXED ? fault_disk_draw(disk, 3) == 0 : i >= first_gone;
        for (size_t k = 0; k < i && !is_gone[i]; k++) {
            const struct disk_name_change *former = &disk->name_changes[k];
            const char *names[] = {former->from, former->to};
            for (size_t n = 0; n < 2 && is_gone[k]; n++) {
                if (names[n][0] == '\0') continue;
                is_gone[i] = is_gone[i] || strcmp(names[n], change->from) == 0 ||
                             strcmp(names[n], change->to) == 0;
            }
        }
        if (!is_gone[i]) change_name(disk->kept, change);
    }
    disk->name_change_count = 0;
}

static void settle_file(struct fault_disk *disk, struct disk_file *file, enum style style)
{
    size_t first_gone = (size_t)fault_disk_draw(disk, file->change_count + 1);
    for (size_t i = 0; i < file->change_count; i++) {
        enum fate fate = (enum fate)fault_disk_draw(disk, FATES);
        if (style == ALL_KEPT) fate = KEEP;
        if (style == ALL_DROPPED) fate = DROP;
        if (style == IN_ORDER) fate = i < first_gone ? KEEP : DROP;
        apply(disk, file, &file->changes[i], fate);
    }
    forget_changes(file);
}

void fault_disk_restart(struct fault_disk *disk)
{
    uint64_t die = fault_disk_draw(disk, 12);
    enum style style = die < MIXED ? (enum style)die : MIXED;
    settle_names(disk, disk->is_lying && style == MIXED ? IN_ORDER : style);
    for (size_t i = 0; i < DISK_FILES; i++) {
        struct disk_file *file = &disk->files[i];
        assert_int_equal(file->handles, 0);
        settle_file(disk, file, style);
        bool is_named = false;
        for (size_t k = 0; k < DISK_NAMES; k++)
            is_named = is_named || (disk->kept[k].name[0] != '\0' && disk->kept[k].file == (int)i);
        if (!is_named) file->kept.size = 0;
        file->now.size = 0;
        put(&file->now, file->kept.bytes, file->kept.size, 0);
    }
    memcpy(disk->now, disk->kept, sizeof disk->now);
    disk->calls = disk->cut_at = 0;
    disk->is_off = false;
    disk->fault = (struct disk_fault){0};
}

void fault_disk_fail(struct fault_disk *disk, struct disk_fault fault)
{
    disk->fault = fault;
    disk->fault_calls = 0;
    disk->was_met = false;
}

void fault_disk_hold(struct fault_disk *disk, bool is_holding)
{
    (void)pthread_mutex_lock(&disk->mutex);
    disk->is_holding = is_holding;
    (void)pthread_cond_broadcast(&disk->changed);
    (void)pthread_mutex_unlock(&disk->mutex);
}

void fault_disk_await_held(struct fault_disk *disk)
{
    (void)pthread_mutex_lock(&disk->mutex);
    while (!disk->is_held) (void)pthread_cond_wait(&disk->changed, &disk->mutex);
    (void)pthread_mutex_unlock(&disk->mutex);
}

static void wait_while_held(struct fault_disk *disk)
{
    (void)pthread_mutex_lock(&disk->mutex);
    while (disk->is_holding) {
        disk->is_held = true;
        (void)pthread_cond_broadcast(&disk->changed);
        (void)pthread_cond_wait(&disk->changed, &disk->mutex);
    }
    disk->is_held = false;
    (void)pthread_mutex_unlock(&disk->mutex);
}

/* Whether the call succeeds; *happens: whether it has its effect, too. */
static enum disk_result step(struct fault_disk *disk, enum disk_call call, bool *happens)
{
    *happens = false;
    if (disk->is_off) return DISK_ERROR;
    if (call == DISK_SYNC) wait_while_held(disk);
    const struct disk_fault *fault = &disk->fault;
    if (fault->nth != 0 && (fault->calls & 1U << call) != 0) {
        disk->fault_calls++;
        if (disk->fault_calls == fault->nth ||
            (fault->is_forever && disk->fault_calls > fault->nth)) {
            disk->was_met = true;
            return fault->result;
        }
    }
    if (call != DISK_READ && ++disk->calls == disk->cut_at) disk->is_off = true;
    *happens = call != DISK_SYNC || !disk->is_off;
    return disk->is_off ? DISK_ERROR : DISK_OK;
}

static enum disk_result record_name(struct fault_disk *disk, const char *from, const char *to,
                                    int file)
{
    bool happens;
    enum disk_result result = step(disk, DISK_NAME, &happens);
    if (!happens) return result;
    assert_true(disk->name_change_count < DISK_NAME_CHANGES);
    struct disk_name_change *change = &disk->name_changes[disk->name_change_count++];
    memset(change, 0, sizeof *change);
    (void)snprintf(change->from, sizeof change->from, "%s", from);
    (void)snprintf(change->to, sizeof change->to, "%s", to);
    change->file = file;
    change_name(disk->now, change);
    return result;
}

static bool is_used(const struct fault_disk *disk, int file)
{
    if (disk->files[file].handles > 0) return true;
    for (size_t i = 0; i < DISK_NAMES; i++) {
        if (disk->now[i].name[0] != '\0' && disk->now[i].file == file) return true;
        if (disk->kept[i].name[0] != '\0' && disk->kept[i].file == file) return true;
    }
    for (size_t i = 0; i < disk->name_change_count; i++) {
        if (disk->name_changes[i].file == file) return true;
    }
    return false;
}

enum disk_result fault_disk_make(struct fault_disk *disk, const char *name, int *file)
{
    *file = 0;
    while (is_used(disk, *file)) assert_true(++*file < DISK_FILES);
    struct disk_file *made = &disk->files[*file];
    made->now.size = made->kept.size = 0;
    forget_changes(made);
    return record_name(disk, "", name, *file);
}

enum disk_result fault_disk_rename(struct fault_disk *disk, const char *from, const char *to)
{
    int file = fault_disk_find(disk, from);
    return file < 0 ? DISK_ABSENT : record_name(disk, from, to, file);
}

enum disk_result fault_disk_remove(struct fault_disk *disk, const char *name)
{
    int file = fault_disk_find(disk, name);
    return file < 0 ? DISK_ABSENT : record_name(disk, name, "", file);
}

enum disk_result fault_disk_sync_names(struct fault_disk *disk)
{
    bool happens;
    enum disk_result result = step(disk, DISK_SYNC, &happens);
    if (!happens || disk->is_lying) return result;
    for (size_t i = 0; i < disk->name_change_count; i++)
        change_name(disk->kept, &disk->name_changes[i]);
    disk->name_change_count = 0;
    return result;
}

enum disk_result fault_disk_read(struct fault_disk *disk)
{
    bool happens;
    return step(disk, DISK_READ, &happens);
}

enum disk_result fault_disk_write(struct fault_disk *disk, int file, const void *bytes, size_t size,
                                  size_t at)
{
    bool happens;
    enum disk_result result = step(disk, DISK_WRITE, &happens);
    if (!happens) return result;
    put(&disk->files[file].now, bytes, size, at);
    remember(&disk->files[file], at, size, bytes);
    return result;
}

enum disk_result fault_disk_cut(struct fault_disk *disk, int file, size_t size)
{
    bool happens;
    enum disk_result result = step(disk, DISK_TRUNCATE, &happens);
    if (!happens) return result;
    resize(&disk->files[file].now, size);
    remember(&disk->files[file], size, DISK_CUT, NULL);
    return result;
}

/* After a sync that failed the system takes the pages for clean, whether they were written or
 * not: what did not reach the disk is never tried again. */
static void lose_some(struct fault_disk *disk, struct disk_file *file)
{
    for (size_t i = 0; i < file->change_count; i++)
        apply(disk, file, &file->changes[i], fault_disk_draw(disk, 2) == 0 ? KEEP : DROP);
    forget_changes(file);
}

/* A liar has a cache of some size: what is older reaches the medium in the end. */
static void spill(struct fault_disk *disk, struct disk_file *file)
{
    size_t spilled = file->change_count > LIAR_CACHE ? file->change_count - LIAR_CACHE : 0;
    if (spilled == 0) return;
    for (size_t i = 0; i < spilled; i++) apply(disk, file, &file->changes[i], KEEP);
    file->change_count -= spilled;
    memmove(file->changes, file->changes + spilled, file->change_count * sizeof *file->changes);
}

enum disk_result fault_disk_sync(struct fault_disk *disk, int file)
{
    bool happens;
    struct disk_file *synced = &disk->files[file];
    bool was_off = disk->is_off;
    enum disk_result result = step(disk, DISK_SYNC, &happens);
    if (result != DISK_OK && !disk->is_off && !was_off) lose_some(disk, synced);
    if (!happens) return result;
    if (disk->is_lying) {
        spill(disk, synced);
        return result;
    }
    for (size_t i = 0; i < synced->change_count; i++)
        apply(disk, synced, &synced->changes[i], KEEP);
    forget_changes(synced);
    return result;
}

void fault_disk_put(struct fault_disk *disk, const char *name, const void *bytes, size_t size)
{
    int file = fault_disk_find(disk, name);
    if (file < 0) {
        assert_int_equal(fault_disk_make(disk, name, &file), DISK_OK);
        assert_int_equal(fault_disk_sync_names(disk), DISK_OK);
    }
    struct disk_file *put_file = &disk->files[file];
    forget_changes(put_file);
    put_file->now.size = put_file->kept.size = 0;
    put(&put_file->now, bytes, size, 0);
    put(&put_file->kept, bytes, size, 0);
}

void fault_disk_spoil(struct fault_disk *disk, const char *name, size_t at, size_t size)
{
    disk->spoilt_file = fault_disk_find(disk, name);
    assert_true(disk->spoilt_file >= 0);
    disk->spoilt_at = at;
    disk->spoilt_size = size;
}

bool fault_disk_is_spoilt(const struct fault_disk *disk, int file, size_t at, size_t size)
{
    return disk->spoilt_size > 0 && file == disk->spoilt_file &&
           at < disk->spoilt_at + disk->spoilt_size && disk->spoilt_at < at + size;
}
