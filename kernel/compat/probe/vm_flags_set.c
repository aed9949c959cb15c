// SPDX-License-Identifier: GPL-2.0-only
/* Since 6.3 vm_flags is changed through functions. Written 2026-11-21. */
#include <linux/mm.h>

static void __used probe(struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_IO);
}
