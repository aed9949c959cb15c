/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The system as files. Every path is below COHGPU_SYSROOT when that is set, so that captured and
 * hand-made trees can be read like the running machine. What has no file form there (KVM's
 * capabilities, an emulator's version) says at its own place how a tree stands in for it.
 */
#ifndef COHGPU_SYS_H
#define COHGPU_SYS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A tree stands in for the machine: nothing outside it may be asked or changed. */
bool sys_is_tree(void);
/* 0, or -errno where the tree is no folder that can be read; *root: its name. */
int sys_check_tree(const char **root);
/* The path below the root, in one of a few buffers that are used in turn. */
const char *sys_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* All of these take a path without the root. Errors are -errno. */
bool sys_exists(const char *path);
/* First line without its end; -errno, also -E2BIG when it does not fit. */
int sys_line(char *buf, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A number in C notation; a tail that is no number is -EINVAL. */
int sys_u64(uint64_t *value, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The whole file, NUL-terminated, to be freed; at most 64 MiB. */
char *sys_slurp(const char *path, size_t *size);
/* Last component of a link's target. */
int sys_link(char *buf, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Writes text into an existing file in one write(), as sysfs wants it. */
int sys_write(const char *path, const char *text);
/* Puts a file in place with this text, whole or not at all. */
int sys_replace(const char *path, const char *text);
/* The same for a file that a user names: outside of any tree. */
int file_replace(const char *full, const char *text);
/* Makes a folder and those above it. */
int sys_make_folder(const char *path);
/* Removes a file; one that is not there is no error. */
int sys_remove(const char *path);

/* Sorted names in a folder, without dots; NULL-terminated, freed by sys_names_free(). */
char **sys_names(const char *path);
void sys_names_free(char **names);

/* Told of each path that is asked for, before it is read; capture only. */
extern void (*sys_asked)(const char *path);
/* The same of one that is asked for only whether it is there. */
extern void (*sys_sought)(const char *path);
/* For what reads a path by itself. */
void sys_ask(const char *path);

/* Release of the kernel that runs (or ran, in a tree, which may not tell). */
const char *sys_release(void);
#define SYS_RELEASE_UNKNOWN "unknown"
bool sys_release_known(void);

#endif
