// SPDX-License-Identifier: GPL-2.0-only
/* Since 6.9 KVM lets a guest choose how it maps uncached memory. Written 2026-11-22. */
#include <linux/mm.h>

static unsigned long __used probe(void)
{
	return VM_ALLOW_ANY_UNCACHED != 0;
}
