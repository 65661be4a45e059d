// SPDX-License-Identifier: MIT
#include "apps/lib/path.h"
#include <string.h>

// Adds the names of `path` to the absolute path in `to`, which is kept without a final slash
// ("" stands for the root meanwhile).
static bool append(char to[PATH_SIZE], const char *path)
{
    size_t used = strlen(to);
    while (*path) {
        path += strspn(path, "/");
        size_t n = strcspn(path, "/");
        if (n == 2 && path[0] == '.' && path[1] == '.') {
            char *cut = strrchr(to, '/');
            used = cut ? (size_t)(cut - to) : 0;
            to[used] = 0;
        } else if (n > 0 && !(n == 1 && path[0] == '.')) {
            if (used + 1 + n >= PATH_SIZE) {
                to[0] = 0;
                return false;
            }
            to[used++] = '/';
            memcpy(to + used, path, n);
            used += n;
            to[used] = 0;
        }
        path += n;
    }
    return true;
}

bool path_absolute(char to[PATH_SIZE], const char *base, const char *path)
{
    to[0] = 0;
    if ((path[0] != '/' && !append(to, base)) || !append(to, path)) {
        return false;
    }
    if (to[0] == 0) {
        strcpy(to, "/");
    }
    return true;
}

bool path_join(char to[PATH_SIZE], const char *directory, const char *name)
{
    size_t a = strlen(directory), b = strlen(name);
    if (a > 0 && directory[a - 1] == '/') {
        a--;
    }
    if (a + 1 + b >= PATH_SIZE) {
        to[0] = 0;
        return false;
    }
    memmove(to, directory, a);
    to[a] = '/';
    memmove(to + a + 1, name, b + 1);
    return true;
}

const char *path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool path_inside(const char *path, const char *above)
{
    size_t n = strlen(above);
    if (n > 0 && above[n - 1] == '/') {
        n--;
    }
    return strncmp(path, above, n) == 0 && (path[n] == 0 || path[n] == '/');
}
