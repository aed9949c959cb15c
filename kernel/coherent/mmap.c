// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmap() of a window.
 *
 * Nothing is mapped at mmap() time: page frames go in at fault time, so that
 * hundreds of gigabytes cost nothing until touched and a reset can take the
 * mappings away at any moment, to come back by fault.
 *
 * A fault inserts as much as it can: one huge entry where kernel, alignment and
 * VMA allow it, else many small ones (fill.c).
 *
 * vm_pgoff keeps the region offset, by which the core (and we) find and zap all
 * mappings of a region, in whatever processes, splits and forks.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include COMPAT_PFN_HEADER

#include "coherent/trace.h"
#include "coherent/window.h"

#define COHERENT_PGOFF_MASK (VFIO_PCI_OFFSET_MASK >> PAGE_SHIFT)

/* Where the page of @addr lies in the window, in bytes. */
static u64 coherent_mmap_offset(struct vm_area_struct *vma, unsigned long addr)
{
	return ((vma->vm_pgoff & COHERENT_PGOFF_MASK) << PAGE_SHIFT) +
	       ((addr & PAGE_MASK) - vma->vm_start);
}

/* The page frame that belongs at @addr. */
unsigned long coherent_mmap_pfn(struct vm_area_struct *vma, unsigned long addr)
{
	struct coherent_window *window = vma->vm_private_data;

	return PHYS_PFN(window->base + coherent_mmap_offset(vma, addr));
}

static phys_addr_t coherent_mmap_base(struct coherent_window *window,
				      struct vm_area_struct *vma)
{
	return window->base + coherent_mmap_offset(vma, vma->vm_start);
}

/* How much from the page of @addr on may be mapped, did not fail, in bytes. */
unsigned long coherent_mmap_clean(struct vm_area_struct *vma,
				  unsigned long addr, unsigned long bytes)
{
	return rounddown(coherent_window_clean(vma->vm_private_data,
					       coherent_mmap_offset(vma, addr),
					       bytes),
			 PAGE_SIZE);
}

static vm_fault_t coherent_mmap_insert_large(struct vm_fault *vmf,
					     unsigned int order)
{
	struct vm_area_struct *vma = vmf->vma;
	struct coherent_window *window = vma->vm_private_data;
	unsigned long bytes = PAGE_SIZE << order;
	unsigned long addr = vmf->address & ~(bytes - 1);
	unsigned long pfn;

	if (coherent_window_brief(window) || addr < vma->vm_start ||
	    bytes > vma->vm_end - addr)
		return VM_FAULT_FALLBACK;
	pfn = coherent_mmap_pfn(vma, addr);
	if (pfn & ((1UL << order) - 1) ||
	    coherent_mmap_clean(vma, addr, bytes) < bytes)
		return VM_FAULT_FALLBACK;
	return COMPAT_INSERT_HUGE(vmf, pfn, order);
}

/* Of small entries, at the fault. A table stays one as long as the mapping is there. */
static bool coherent_mmap_has_table(struct vm_fault *vmf)
{
	pmd_t pmd = READ_ONCE(*vmf->pmd);

	return !pmd_none(pmd) && !pmd_leaf(pmd);
}

/*
 * A fault that found the memory not ready, or failed, goes on to small entries,
 * when all may be well again and another fault of the same place may have a huge
 * entry. So who finds no page table there makes one, or the entry, alone; but
 * what is behind a walk is no place of huge entries.
 */
static vm_fault_t coherent_mmap_insert(struct vm_fault *vmf,
				       unsigned int order)
{
	struct coherent_window *window = vmf->vma->vm_private_data;
	struct coherent_device *cdev = window->cdev;
	unsigned int behind = order ? 0 : coherent_fill_behind(vmf);
	vm_fault_t ret;

	if (!order && (behind || coherent_mmap_has_table(vmf)))
		return coherent_fill_many(vmf, behind);

	mutex_lock(&cdev->table_lock);
	if (order)
		ret = coherent_mmap_insert_large(vmf, order);
	else if (pmd_leaf(READ_ONCE(*vmf->pmd)))
		ret = VM_FAULT_NOPAGE;
	else
		ret = coherent_fill_few(vmf);
	mutex_unlock(&cdev->table_lock);
	return ret;
}

/* Wait with no lock held, then have the fault taken again. */
static vm_fault_t coherent_mmap_wait(struct vm_fault *vmf)
{
	struct coherent_window *window = vmf->vma->vm_private_data;
	struct file *file = vmf->vma->vm_file;

	if (!(vmf->flags & FAULT_FLAG_ALLOW_RETRY))
		return VM_FAULT_SIGBUS;
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;

	/* The VMA may go once the lock is dropped; its file keeps the device. */
	get_file(file);
	mmap_read_unlock(vmf->vma->vm_mm);
	coherent_ready_wait(window, false);
	fput(file);
	return VM_FAULT_RETRY;
}

/* Asleep, nothing of the function answers; a fault does not wake it. */
static bool coherent_mmap_answers(struct coherent_window *window)
{
	if (!(window->region && window->region->undecoded) &&
	    window->cdev->core.pm_runtime_engaged)
		return false;
	return coherent_window_answers(window);
}

static vm_fault_t coherent_mmap_fault_order(struct vm_fault *vmf,
					    unsigned int order)
{
	struct coherent_window *window = vmf->vma->vm_private_data;
	struct coherent_device *cdev = window->cdev;
	unsigned long pfn = coherent_mmap_pfn(vmf->vma, vmf->address);
	bool wait = false;
	vm_fault_t ret;

	down_read(&cdev->core.memory_lock);
	if (!coherent_mmap_answers(window)) {
		ret = VM_FAULT_SIGBUS;
	} else if (coherent_ready_poll(cdev)) {
		ret = VM_FAULT_SIGBUS;
	} else {
		down_read(&cdev->gate);
		/* A link that froze since was swept in the gate, without memory_lock. */
		if (!coherent_mmap_answers(window)) {
			ret = VM_FAULT_SIGBUS;
		} else if (coherent_ready_now(cdev) != COHERENT_READY_YES) {
			ret = VM_FAULT_FALLBACK;
			wait = true;
		} else {
			ret = coherent_mmap_insert(vmf, order);
		}
		up_read(&cdev->gate);
	}
	up_read(&cdev->core.memory_lock);

	/* After a wait the device may be gone: it is told of before. */
	trace_coherent_fault(cdev, window->index, order, vmf->pgoff, pfn, ret);
	/* A huge fault falls back to a small one, and that one waits. */
	return wait && !order ? coherent_mmap_wait(vmf) : ret;
}

static vm_fault_t coherent_mmap_fault(struct vm_fault *vmf)
{
	return coherent_mmap_fault_order(vmf, 0);
}

/* Where mremap() will put a mapping there is none yet; a split one's place is its own. */
static bool coherent_mmap_moves(struct vm_area_struct *vma)
{
	return vma->vm_mm == current->mm &&
	       !find_vma_intersection(vma->vm_mm, vma->vm_start, vma->vm_end);
}

/*
 * Another VMA over the window, made from one that was: split, moved, forked.
 *
 * mremap() takes an entry of 1 GiB for a broken table: it complains of it in the
 * log, clears it, and flushes nothing, so that whoever moves a mapping may still
 * reach the memory at its old place, after a reset and after it is another's.
 * What moves is emptied before, and fills again by fault.
 */
static void coherent_mmap_open(struct vm_area_struct *vma)
{
	struct coherent_window *window = vma->vm_private_data;

	if (IS_ENABLED(CONFIG_ARCH_SUPPORTS_PUD_PFNMAP) &&
	    coherent_mmap_moves(vma))
		coherent_window_zap_part(window,
					 coherent_mmap_offset(vma, vma->vm_start),
					 vma->vm_end - vma->vm_start);
	if (window->region && window->region->copy)
		window->region->copy(window, vma,
				     coherent_mmap_base(window, vma));
}

static void coherent_mmap_close(struct vm_area_struct *vma)
{
	struct coherent_window *window = vma->vm_private_data;

	if (window->region && window->region->unmap)
		window->region->unmap(window, vma);
}

static const struct vm_operations_struct coherent_mmap_ops = {
	.open = coherent_mmap_open,
	.close = coherent_mmap_close,
	.fault = coherent_mmap_fault,
	COMPAT_HUGE_FAULT(coherent_mmap_fault_order)
};

int coherent_window_mmap(struct coherent_window *window,
			 struct vm_area_struct *vma)
{
	u64 offset = coherent_mmap_offset(vma, vma->vm_start);
	struct coherent_span area = {
		.length = round_down(window->length, PAGE_SIZE),
	};
	struct coherent_span asked;
	int ret;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (coherent_span_make(offset, vma->vm_end - vma->vm_start, &asked) ||
	    !coherent_span_contains(area, asked))
		return -EINVAL;
	if (window->region && window->region->access &&
	    asked.length != window->length)
		return -EINVAL;
	if (window->region && window->region->map) {
		ret = window->region->map(window, vma, window->base + offset);
		if (ret)
			return ret;
	}

	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	if (window->cache == COHERENT_WRITECOMBINE) {
		vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
		vm_flags_set(vma, COMPAT_ANY_UNCACHED);
	} else if (window->cache == COHERENT_REGISTERS) {
		vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	}
	vma->vm_pgoff += COMPAT_PGOFF_BYTES >> PAGE_SHIFT;
	vma->vm_private_data = window;
	vma->vm_ops = &coherent_mmap_ops;
	trace_coherent_mmap(window->cdev, window->index, offset, asked.length);
	return 0;
}

/* The window that @vma maps, NULL if it maps something else. */
struct coherent_window *coherent_mmap_window(struct vm_area_struct *vma)
{
	return vma->vm_ops == &coherent_mmap_ops ? vma->vm_private_data : NULL;
}

/* Take away every mapping of these bytes, in every process. */
void coherent_window_zap_part(struct coherent_window *window, u64 offset,
			      u64 length)
{
	unmap_mapping_range(window->cdev->mapping->i_mapping,
			    COMPAT_PGOFF_BYTES + offset +
				    VFIO_PCI_INDEX_TO_OFFSET(window->index),
			    length, true);
}

void coherent_window_zap(struct coherent_window *window)
{
	coherent_window_zap_part(window, 0, window->region_size);
}
