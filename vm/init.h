/* SPDX-License-Identifier: GPL-2.0-only */
/* init.c and the checks that it makes when the suites are done (verdict.c). */
#ifndef INIT_H
#define INIT_H

#include <stdbool.h>

double init_now(void);
void init_result(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void init_write(const char *path, const char *text);
const char *init_env(const char *key, const char *otherwise);
int init_sh(const char *command);

/* Everything the kernel said since the last call; @where is blamed. Was there a report? */
bool init_scan_log(const char *where);
/* Coarse counts of kernel memory, before our modules come and after they went. */
void init_leaks_before(void);
void init_leaks_after(void);
void init_taint(void);

#endif
