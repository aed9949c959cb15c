// SPDX-License-Identifier: GPL-2.0-only
/*
 * Since 6.6 a run of entries goes into a page table at once. Where that is
 * inline, or exported, a module can do it. Written 2026-11-22.
 */
#include <linux/mm.h>
#include <linux/pgtable.h>

#if !defined(CONFIG_ARM64) && !defined(CONFIG_X86_64)
#error set_ptes() may need what is not exported
#endif
#if defined(CONFIG_ARM64) && defined(CONFIG_DEBUG_VM)
#error its checks do: pgattr_change_is_safe()
#endif
#ifndef pte_pgprot
#error what an entry allows cannot be told
#endif

static void __used probe(struct vm_fault *vmf, struct vm_area_struct *vma,
			 pte_t *pte)
{
	pgprot_t prot = pte_pgprot(ptep_get(pte));

	set_ptes(vma->vm_mm, vma->vm_start, pte,
		 pte_mkspecial(pfn_pte(1, prot)), 2);
	update_mmu_cache_range(vmf, vma, vma->vm_start, pte, 2);
}
