/* Invariant: what is handed on is handed on unchanged. */
#include "store/vfs_pass.h"

#include <stdio.h>

sqlite3_vfs *vfs_pass_system(sqlite3_vfs *vfs)
{
    return ((struct vfs_pass *)vfs)->system;
}

static int access_file(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
    return vfs_pass_system(vfs)->xAccess(vfs_pass_system(vfs), name, flags, result);
}

static int full_pathname(sqlite3_vfs *vfs, const char *name, int size, char *full)
{
    return vfs_pass_system(vfs)->xFullPathname(vfs_pass_system(vfs), name, size, full);
}

static int randomness(sqlite3_vfs *vfs, int size, char *bytes)
{
    return vfs_pass_system(vfs)->xRandomness(vfs_pass_system(vfs), size, bytes);
}

static int sleep_micro(sqlite3_vfs *vfs, int micro)
{
    return vfs_pass_system(vfs)->xSleep(vfs_pass_system(vfs), micro);
}

static int current_time(sqlite3_vfs *vfs, double *days)
{
    return vfs_pass_system(vfs)->xCurrentTime(vfs_pass_system(vfs), days);
}

static int last_error(sqlite3_vfs *vfs, int size, char *text)
{
    return vfs_pass_system(vfs)->xGetLastError(vfs_pass_system(vfs), size, text);
}

enum status vfs_pass_begin(struct vfs_pass *pass, const sqlite3_vfs *own, bool holds_system_file)
{
    sqlite3_vfs *system = sqlite3_vfs_find(NULL);
    pass->system = NULL;
    if (system == NULL) return ST_NO_MEMORY;
    (void)snprintf(pass->name, sizeof pass->name, "%s-%p", own->zName, (void *)pass);
    pass->vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = own->szOsFile + (holds_system_file ? system->szOsFile : 0),
        .mxPathname = system->mxPathname,
        .zName = pass->name,
        .pAppData = own->pAppData,
        .xOpen = own->xOpen,
        .xDelete = own->xDelete,
        .xAccess = access_file,
        .xFullPathname = full_pathname,
        .xRandomness = randomness,
        .xSleep = sleep_micro,
        .xCurrentTime = current_time,
        .xGetLastError = last_error,
    };
    if (sqlite3_vfs_register(&pass->vfs, 0) != SQLITE_OK) return ST_NO_MEMORY;
    pass->system = system;
    return ST_OK;
}

void vfs_pass_end(struct vfs_pass *pass)
{
    if (pass->system != NULL) (void)sqlite3_vfs_unregister(&pass->vfs);
    pass->system = NULL;
}
