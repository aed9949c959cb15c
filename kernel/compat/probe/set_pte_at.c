// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where all that writing an entry into a page table takes is inline, or
 * exported, a module can do it. Written 2026-11-22.
 */
#include <linux/mm.h>
#include <linux/pgtable.h>

#if !defined(CONFIG_ARM64) && !defined(CONFIG_X86_64)
#error set_pte_at() may need what is not exported, and be all but the whole of it
#endif
#if defined(CONFIG_ARM64) && defined(CONFIG_DEBUG_VM)
#error its checks do: pgattr_change_is_safe()
#endif

static void __used probe(struct vm_area_struct *vma, pte_t *pte)
{
	pgprot_t prot = pte_pgprot(ptep_get(pte));

	set_pte_at(vma->vm_mm, vma->vm_start, pte,
		   pte_mkspecial(pfn_pte(1, prot)));
}
