// SPDX-License-Identifier: GPL-2.0-only
/* Since 6.19 a file may tell the kernel what to map. Written 2026-11-21. */
#include <linux/mm_types.h>

static unsigned long __used probe(struct mmap_action *action)
{
	return action->remap.start_pfn + action->remap.size;
}
