/* SPDX-License-Identifier: GPL-2.0-only */
/* Small files of sysfs, configfs and debugfs, and units. Every function returns 0 or an errno. */
#ifndef UTIL_H
#define UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KiB	     (1ULL << 10)
#define MiB	     (1ULL << 20)
#define GiB	     (1ULL << 30)
#define TiB	     (1ULL << 40)
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

int util_write(const char *path, const char *text);
/* Reads a small file and cuts the newline at its end. */
int util_read(const char *path, char *buf, size_t size);
bool util_exists(const char *path);
size_t util_page(void);
/* The value of "key:  N" in /proc/meminfo and the like; -1 when it is not there. */
long long util_field(const char *path, const char *key);
/* Lines of a file, -1 when it cannot be read; with @needle, only those that contain it. */
long util_lines(const char *path, const char *needle);
/* x86 keeps a list of memory that is mapped: has it a range of this type that begins at @base? */
bool util_memtype(uint64_t base, const char *type);
/* Folders in a folder; -1 when it cannot be read. */
long util_folders(const char *path);
/* Run a program from PATH and wait for it: its exit status, or -1. */
int util_run(const char *const argv[]);

/* The kernel log from here on. */
int util_log_mark(void);
/* How many lines since the mark contain every one of the words (NULL-terminated list); -1: unknown. */
int util_log_lines(int mark, const char *const words[]);
/* Does a line since the mark contain every one of the words (NULL-terminated list)? */
bool util_log_has(int mark, const char *const words[]);

#endif
