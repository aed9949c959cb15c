/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which code of our modules a thread has run, as KCOV tells it: the kernel writes down every basic
 * block that the thread passes, all over the kernel; what is not ours is left out here. A *place* is
 * such a block, an *edge* two that follow each other, whatever the kernel did between them.
 */
#ifndef KCOV_H
#define KCOV_H

#include <stdbool.h>
#include <stdint.h>

#define KCOV_BITS (1u << 18)

/* To be shared between processes. Two places may have one bit, rarely. */
struct kcov_seen {
	uint32_t edges, places;
	uint8_t edge[KCOV_BITS / 8], place[KCOV_BITS / 8];
};

struct kcov {
	uint64_t *blocks;
};

/* Is the kernel built for it? */
bool kcov_there(void);
/* Where our modules are now. */
void kcov_find_modules(void);
/* The calling thread, until it ends. */
void kcov_enable(struct kcov *k);
void kcov_clear(struct kcov *k);
/* What came since kcov_clear(), added to @seen: how many edges were new. */
uint32_t kcov_collect(struct kcov *k, struct kcov_seen *seen);

#endif
