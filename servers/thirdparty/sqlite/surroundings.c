// SPDX-License-Identifier: MIT
// What SQLite wants from an operating system: here there are no files, no time, and the same random numbers in each run.
//
// Databases in memory open no file, but SQLite does not start without a VFS. Dates are given in the statements; what
// asks for the present gets the first moment of 2000. The generator of random numbers is SQLite's own; its seed is
// fixed, so that a run can be compared with another one.
#include <sqlite3.h>
#include <string.h>

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    (void)vfs, (void)name, (void)flags, (void)out_flags;
    file->pMethods = nullptr;
    return SQLITE_CANTOPEN;
}

static int remove_file(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs, (void)name, (void)sync;
    return SQLITE_IOERR_DELETE_NOENT;
}

static int look_for_file(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
    (void)vfs, (void)name, (void)flags;
    *result = 0;
    return SQLITE_OK;
}

static int full_name(sqlite3_vfs *vfs, const char *name, int bytes, char *out)
{
    (void)vfs;
    sqlite3_snprintf(bytes, out, "%s", name);
    return SQLITE_OK;
}

static int seed(sqlite3_vfs *vfs, int bytes, char *out)
{
    (void)vfs;
    for (int i = 0; i < bytes; i++) {
        out[i] = (char)(i * 7 + 1);
    }
    return bytes;
}

static int rest(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds; // who would be waited for? there is one thread
}

static int present(sqlite3_vfs *vfs, sqlite3_int64 *milliseconds)
{
    (void)vfs;
    *milliseconds = 2451544ll * 86400000 + 43200000; // 2000-01-01, as a Julian day that begins at noon
    return SQLITE_OK;
}

static int present_days(sqlite3_vfs *vfs, double *days)
{
    (void)vfs;
    *days = 2451544.5;
    return SQLITE_OK;
}

static int last_error(sqlite3_vfs *vfs, int bytes, char *out)
{
    (void)vfs, (void)bytes, (void)out;
    return 0;
}

static sqlite3_vfs surroundings = {
    .iVersion = 2,
    .szOsFile = sizeof(sqlite3_file),
    .mxPathname = 128,
    .zName = "memory-only",
    .xOpen = open_file,
    .xDelete = remove_file,
    .xAccess = look_for_file,
    .xFullPathname = full_name,
    .xRandomness = seed,
    .xSleep = rest,
    .xCurrentTime = present_days,
    .xGetLastError = last_error,
    .xCurrentTimeInt64 = present,
};

// Called by sqlite3_initialize().
int sqlite3_os_init(void)
{
    return sqlite3_vfs_register(&surroundings, 1);
}

int sqlite3_os_end(void)
{
    return SQLITE_OK;
}
