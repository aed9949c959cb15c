// SPDX-License-Identifier: GPL-2.0-only
/* Since 6.17 huge page-frame entries take a plain number. Written 2026-11-21. */
#include <linux/mm.h>

static vm_fault_t __used probe(struct vm_fault *vmf, unsigned int order)
{
	return vmf_insert_pfn_pmd(vmf, 1UL << order, false);
}

static const struct vm_operations_struct ops __used = {
	.huge_fault = probe,
};
