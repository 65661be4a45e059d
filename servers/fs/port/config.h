// SPDX-License-Identifier: MIT
// What libext2fs is told about its surroundings: a C library with the usual headers, and nothing of an
// operating system under it (no devices, no mounts, no processes, no threads).
#pragma once

#define HAVE_DIRENT_H 1
#define HAVE_ERRNO_H 1
#define HAVE_INTTYPES_H 1
#define HAVE_STDINT_H 1
#define HAVE_STDLIB_H 1
#define HAVE_STRING_H 1
#define HAVE_STRINGS_H 1
#define HAVE_SYS_STAT_H 1
#define HAVE_SYS_TYPES_H 1
#define HAVE_UNISTD_H 1
#define HAVE_INTPTR_T 1
#define HAVE_SNPRINTF 1
#define HAVE_STRDUP 1
#define HAVE_STRNLEN 1
#define HAVE_POSIX_MEMALIGN 1
#define HAVE_TYPE_SSIZE_T 1

#define SIZEOF_SHORT 2
#define SIZEOF_INT 4
#define SIZEOF_LONG 8
#define SIZEOF_LONG_LONG 8
#define SIZEOF_OFF_T 8
#define SIZEOF_TIME_T 8

// Errors are our own to report, not the library's to print.
#define OMIT_COM_ERR 1
#define ENABLE_NLS 0
#undef WORDS_BIGENDIAN
