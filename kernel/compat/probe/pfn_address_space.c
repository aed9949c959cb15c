// SPDX-License-Identifier: GPL-2.0-only
/* Since 6.19 memory without struct page is registered for failures. Written 2026-11-21. */
#include <linux/memory-failure.h>

#ifndef CONFIG_MEMORY_FAILURE
#error registration is a stub in this kernel
#endif

static int __used probe(struct pfn_address_space *space)
{
	return register_pfn_address_space(space) + !space->pfn_to_vma_pgoff;
}
