// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small entries of page tables, many at a fault.
 *
 * A window that is mapped at an address which is not congruent to its physical
 * one, *askew*, can have no huge entries, and a fault for each of its pages would
 * be 25 million of them. So a fault inserts a batch of entries around its page.
 * The first one in a page table inserts a few, for it may be the only one; the
 * next shows that it is not, and inserts many. And where page tables just before
 * are full, somebody walks: then as many of those ahead are filled as are full
 * behind, up to COHERENT_FILL_AHEAD for each table that has a fault. That those
 * behind were walked through, and not filled ahead themselves, nobody can see.
 *
 * Memory that must not be prefetched goes in page by page, as it is touched, for
 * a CPU may read ahead in what is mapped.
 *
 * Entries are written a page table at a time, where modules can write them, under
 * its lock. A page table cannot give way to a huge entry meanwhile: the VMA is
 * held, what takes tables from a held VMA (khugepaged, MADV_COLLAPSE,
 * MADV_DONTNEED) leaves VM_PFNMAP alone, and those ahead are of a mapping that is
 * askew as it stands. One that mremap() made so has lost its huge entries.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "coherent/window.h"

/* Entries that a fault inserts around it at most, powers of two. */
#define COHERENT_FILL_FEW 16
#define COHERENT_FILL_MANY 512
/* Page tables that are filled at most beyond that of a fault. */
#define COHERENT_FILL_AHEAD 4

/* Pages of one page table. */
struct coherent_fill {
	struct vm_area_struct *vma;
	unsigned long start;
	unsigned long end;
	pgprot_t prot; /* 0: not known before the fault's page is there */
};

#ifdef COHGPU_HAVE_SET_PTE_AT

/* Under its table's lock, or as a hint. ptep_get() asks what none has that is empty. */
static bool coherent_fill_is_empty(pte_t *pte)
{
	return pte_none(READ_ONCE(*pte));
}

/*
 * Called with the page table locked, for a page of it. The others get what the
 * page of the fault got, cache mode and all, but never dirty.
 */
static int coherent_fill_table(pte_t *pte, unsigned long page, void *data)
{
	struct coherent_fill *fill = data;
	struct mm_struct *mm = fill->vma->vm_mm;
	unsigned long pfn, addr = fill->start, end = fill->end;
	pgprot_t prot;

	if (!pgprot_val(fill->prot)) {
		pte_t given = ptep_get(pte);

		if (!pte_present(given))
			return 0;
		fill->prot = pte_pgprot(pte_mkclean(given));
	}

	prot = fill->prot;
	pfn = coherent_mmap_pfn(fill->vma, addr);
	pte += (long)pte_index(addr) - (long)pte_index(page);
	for (; addr < end; addr += PAGE_SIZE, pte++, pfn++) {
		if (!coherent_fill_is_empty(pte))
			continue;
		/*
		 * That it is special must be seen where it is compiled: of an
		 * entry that may not be, arm64 calls mte_sync_tags(), which
		 * is not exported to modules.
		 */
		set_pte_at(mm, addr, pte, pte_mkspecial(pfn_pte(pfn, prot)));
	}
	return 0;
}

/* @page is one that is there, or of a table that has none. */
static int coherent_fill_insert(struct coherent_fill *fill, unsigned long page)
{
	return apply_to_page_range(fill->vma->vm_mm, page, PAGE_SIZE,
				   coherent_fill_table, fill);
}

/* Whatever is mapped here, no entry of its page tables is huge. */
static bool coherent_fill_is_askew(struct vm_area_struct *vma)
{
	unsigned long pfn = coherent_mmap_pfn(vma, vma->vm_start);

	return (pfn ^ PHYS_PFN(vma->vm_start)) & (PTRS_PER_PTE - 1);
}

/* As a batch leaves a page table. */
static bool coherent_fill_is_full(pmd_t *entry)
{
	pmd_t pmd = READ_ONCE(*entry);
	pte_t *table;

	if (pmd_none(pmd) || pmd_leaf(pmd))
		return false;
	table = (pte_t *)pmd_page_vaddr(pmd);
	return !coherent_fill_is_empty(table) &&
	       !coherent_fill_is_empty(table + PTRS_PER_PTE - 1);
}

/*
 * How many page tables just before that of the fault are full. Only of those whose
 * entries are in one page with the fault's, which is there while the VMA is.
 */
unsigned int coherent_fill_behind(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long start = vmf->address & PMD_MASK;
	unsigned int most, nr = 0;

	if (start < vma->vm_start || PMD_SIZE > COHERENT_FILL_MANY * PAGE_SIZE ||
	    coherent_window_brief(vma->vm_private_data) ||
	    !coherent_fill_is_askew(vma))
		return 0;

	most = min3((unsigned long)COHERENT_FILL_AHEAD,
		    (unsigned long)pmd_index(start),
		    (start - vma->vm_start) >> PMD_SHIFT);
	while (nr < most && coherent_fill_is_full(vmf->pmd - nr - 1))
		nr++;
	return nr;
}

#else

static int coherent_fill_insert(struct coherent_fill *fill, unsigned long page)
{
	unsigned long addr;

	for (addr = fill->start; addr < fill->end; addr += PAGE_SIZE)
		if (vmf_insert_pfn(fill->vma, addr,
				   coherent_mmap_pfn(fill->vma, addr)) !=
		    VM_FAULT_NOPAGE)
			return -ENOMEM;
	return 0;
}

unsigned int coherent_fill_behind(struct vm_fault *vmf)
{
	return 0;
}

#endif

/* Those of @nr around the fault's that are there, and did not fail; returns their end. */
static unsigned long coherent_fill_around(struct coherent_fill *fill,
					  unsigned long page, unsigned int nr)
{
	struct vm_area_struct *vma = fill->vma;
	unsigned long bytes = min(nr * PAGE_SIZE, PMD_SIZE);
	unsigned long first = rounddown(page, bytes);
	unsigned long start = max(vma->vm_start, first);
	unsigned long end = min(vma->vm_end, first + bytes);
	unsigned long clean;

	while (start < end) {
		clean = coherent_mmap_clean(vma, start, end - start);
		fill->start = start;
		fill->end = start + clean;
		if (clean && coherent_fill_insert(fill, page))
			return 0;
		start += clean ?: PAGE_SIZE;
	}
	return end;
}

static void coherent_fill_ahead(struct coherent_fill *fill, unsigned long start,
				unsigned int tables)
{
	struct vm_area_struct *vma = fill->vma;
	struct coherent_window *window = vma->vm_private_data;

	for (; tables && vma->vm_end - start >= PMD_SIZE; tables--) {
		fill->start = start;
		fill->end = start + PMD_SIZE;
		/* Nobody has asked for these: who waits, or is to die, comes first. */
		if (fatal_signal_pending(current) ||
		    rwsem_is_contended(&window->cdev->gate))
			return;
		if (coherent_mmap_clean(vma, start, PMD_SIZE) < PMD_SIZE ||
		    coherent_fill_insert(fill, start))
			return;
		start += PMD_SIZE;
	}
}

/* A small entry for the page of the fault, then others: when one fails, its own fault will tell. */
static vm_fault_t coherent_fill_fault(struct vm_fault *vmf, unsigned int nr,
				      unsigned int ahead)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long page = vmf->address & PAGE_MASK, end;
	struct coherent_fill fill = {.vma = vma};
	vm_fault_t ret;

	if (!coherent_mmap_clean(vma, page, PAGE_SIZE))
		return VM_FAULT_HWPOISON;

	ret = vmf_insert_pfn(vma, page, coherent_mmap_pfn(vma, page));
	if (ret != VM_FAULT_NOPAGE ||
	    coherent_window_brief(vma->vm_private_data))
		return ret;

	end = coherent_fill_around(&fill, page, nr);
	if (end && ahead && pgprot_val(fill.prot))
		coherent_fill_ahead(&fill, end, ahead);
	return VM_FAULT_NOPAGE;
}

vm_fault_t coherent_fill_few(struct vm_fault *vmf)
{
	return coherent_fill_fault(vmf, COHERENT_FILL_FEW, 0);
}

/* @ahead: so many page tables beyond this one, too. */
vm_fault_t coherent_fill_many(struct vm_fault *vmf, unsigned int ahead)
{
	return coherent_fill_fault(vmf, COHERENT_FILL_MANY, ahead);
}
