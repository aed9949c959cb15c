// SPDX-License-Identifier: GPL-2.0-only
/* From 6.12 on huge page-frame entries can be inserted; pfn_t until 6.16. Written 2026-11-21. */
#include <linux/mm.h>
#include <linux/pfn_t.h>

static vm_fault_t __used probe(struct vm_fault *vmf, unsigned int order)
{
	return vmf_insert_pfn_pmd(vmf, __pfn_to_pfn_t(order, PFN_DEV), false);
}

static const struct vm_operations_struct ops __used = {
	.huge_fault = probe,
};
