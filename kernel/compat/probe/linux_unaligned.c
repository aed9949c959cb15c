// SPDX-License-Identifier: GPL-2.0-only
/* Since 6.12 unaligned access is in linux/, not asm/. Written 2026-11-21. */
#include <linux/unaligned.h>

static u32 __used probe(const void *at)
{
	return get_unaligned_le32(at);
}
