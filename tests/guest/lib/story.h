/* SPDX-License-Identifier: GPL-2.0-only */
/* How the stories of `make demo` speak. What they state has been checked before. */
#ifndef STORY_H
#define STORY_H

#include <stdint.h>

/* Line by line, and with a word where mapped memory does not answer. */
void story_start(void);
void story_title(const char *text);
void story_line(const char *what, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "96 GiB"; good for four in one line. */
const char *story_size(uint64_t n);
/* The kernel, its memory, its IOMMU. */
void story_machine(void);

#endif
