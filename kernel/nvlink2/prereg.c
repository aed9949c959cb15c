// SPDX-License-Identifier: GPL-2.0-only
/*
 * GPU memory as a target of other devices' DMA.
 *
 * POWER's IOMMU code maps only user memory that was registered with it before,
 * and cannot pin what has no struct page. So a range of user addresses that
 * maps GPU memory is registered for as long as the mapping lasts, with the
 * physical address that it has.
 *
 *	mmap	registers the range
 *	munmap	takes it back: of the whole, or of a part, and then what is
 *		left of the range, before it or behind it, is registered anew
 *	mremap	registers the new range, and takes the old one back
 *	fork	does nothing: the child has no IOMMU of its own
 *
 * A range of which the IOMMU still has some mapped cannot be taken back: it is
 * *stale*. Stale ranges are tried again, at every mmap and once a second, until
 * the IOMMU lets go. What waits for one to go is *wanted*.
 *
 * On some kernels mm_iommu_is_devmem(), which the IOMMU code calls with every
 * mapping that it makes, returns with the RCU read lock held when the answer is
 * yes. Where that counts (a preemptible kernel) the machine stops soon after.
 * So it is asked here, once, and where it does that, nothing is registered.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "nvlink2/nvlink2.h"

/**
 * struct nvlink2_prereg - a range of user addresses that maps GPU memory
 * @node: in nvlink2_preregs
 * @mm: whose addresses, with a reference to the struct
 * @start: first address
 * @end: behind the last
 * @base: physical address at @start
 * @mem: its registration, NULL: wanted
 * @stale: the mapping is gone
 *
 * Each holds a reference to the platform, and a stale one to this module.
 */
struct nvlink2_prereg {
	struct list_head node;
	struct mm_struct *mm;
	unsigned long start;
	unsigned long end;
	phys_addr_t base;
	struct mm_iommu_table_group_mem_t *mem;
	bool stale;
};

static void nvlink2_prereg_work(struct work_struct *work);

/* Guards all below; taken with mmap_lock held. */
static DEFINE_MUTEX(nvlink2_prereg_lock);
static LIST_HEAD(nvlink2_preregs);
static bool nvlink2_prereg_refused;

static DECLARE_DELAYED_WORK(nvlink2_prereg_again, nvlink2_prereg_work);

static struct nvlink2_prereg *nvlink2_prereg_alloc(struct mm_struct *mm,
						   unsigned long start,
						   unsigned long end,
						   phys_addr_t base)
{
	struct nvlink2_prereg *range = kzalloc(sizeof(*range), GFP_KERNEL);

	if (!range)
		return NULL;
	range->mm = mm;
	range->start = start;
	range->end = end;
	range->base = base;
	mmgrab(mm);
	nvlink2_platform_get();
	return range;
}

static void nvlink2_prereg_free(struct nvlink2_prereg *range)
{
	nvlink2_platform_put();
	mmdrop(range->mm);
	kfree(range);
}

/* Does the kernel come back from the question as it went? See above. */
static bool nvlink2_prereg_leaks(const struct nvlink2_platform *platform,
				 const struct nvlink2_prereg *range)
{
	int count = preempt_count(), depth = rcu_preempt_depth();
	unsigned long size;

	if (!platform->is_devmem)
		return false;
	platform->is_devmem(range->mm, range->base, PAGE_SHIFT, &size);
	if (preempt_count() == count && rcu_preempt_depth() == depth)
		return false;
	/* What was left behind. */
	__acquire(RCU);
	rcu_read_unlock();
	return true;
}

static int nvlink2_prereg_register(struct nvlink2_prereg *range)
{
	const struct nvlink2_platform *platform = nvlink2_platform_get();
	int ret;

	lockdep_assert_held(&nvlink2_prereg_lock);

	ret = platform->newdev(range->mm, range->start,
			       (range->end - range->start) >> PAGE_SHIFT,
			       range->base, &range->mem);
	if (!ret && nvlink2_prereg_leaks(platform, range)) {
		pr_warn("GPU memory as a DMA target: must have a kernel whose mm_iommu_is_devmem() gives the RCU read lock back\n");
		nvlink2_prereg_refused = true;
		platform->put(range->mm, range->mem);
		range->mem = NULL;
	}
	nvlink2_platform_put();
	return ret;
}

/* Take a range back that nobody maps any more. True: it is gone. */
static bool nvlink2_prereg_unregister(struct nvlink2_prereg *range)
{
	const struct nvlink2_platform *platform = nvlink2_platform_get();
	long ret = range->mem ? platform->put(range->mm, range->mem) : 0;

	lockdep_assert_held(&nvlink2_prereg_lock);

	nvlink2_platform_put();
	if (ret)
		return false;
	list_del(&range->node);
	nvlink2_prereg_free(range);
	return true;
}

/* Whatever can be done by now. True: something is left. */
static bool nvlink2_prereg_settle(void)
{
	struct nvlink2_prereg *range, *next;
	bool left = false;

	lockdep_assert_held(&nvlink2_prereg_lock);

	list_for_each_entry_safe(range, next, &nvlink2_preregs, node) {
		if (!range->stale)
			continue;
		if (nvlink2_prereg_unregister(range))
			module_put(THIS_MODULE);
		else
			left = true;
	}
	list_for_each_entry(range, &nvlink2_preregs, node) {
		if (!range->mem && nvlink2_prereg_register(range))
			left = true;
	}
	return left;
}

static void nvlink2_prereg_work(struct work_struct *work)
{
	mutex_lock(&nvlink2_prereg_lock);
	if (nvlink2_prereg_settle())
		schedule_delayed_work(&nvlink2_prereg_again, HZ);
	mutex_unlock(&nvlink2_prereg_lock);
}

/*
 * Not every machine needs it, and not every kernel can. The answer holds for
 * as long as there is a range.
 */
static bool nvlink2_prereg_possible(void)
{
	const struct nvlink2_platform *platform = nvlink2_platform_get();
	bool possible = platform->newdev && platform->put;

	nvlink2_platform_put();
	return possible && !READ_ONCE(nvlink2_prereg_refused);
}

/* A &coherent_region.map */
int nvlink2_prereg_map(struct coherent_window *window,
		       struct vm_area_struct *vma, phys_addr_t base)
{
	struct nvlink2_prereg *range;
	int ret;

	range = nvlink2_prereg_alloc(vma->vm_mm, vma->vm_start, vma->vm_end,
				     base);
	if (!range)
		return -ENOMEM;
	if (!nvlink2_prereg_possible()) {
		nvlink2_prereg_free(range);
		return 0;
	}

	mutex_lock(&nvlink2_prereg_lock);
	nvlink2_prereg_settle();
	ret = nvlink2_prereg_register(range);
	if (range->mem)
		list_add_tail(&range->node, &nvlink2_preregs);
	else
		nvlink2_prereg_free(range);
	mutex_unlock(&nvlink2_prereg_lock);

	if (ret)
		pci_info_ratelimited(window->cdev->core.pdev,
				     "region %u: mmap: register for DMA: error %d\n",
				     window->index, ret);
	return ret;
}

/* A &coherent_region.copy: new addresses are registered, if they are new. */
void nvlink2_prereg_copy(struct coherent_window *window,
			 struct vm_area_struct *vma, phys_addr_t base)
{
	if (vma->vm_mm == current->mm && !vma_lookup(vma->vm_mm, vma->vm_start))
		nvlink2_prereg_map(window, vma, base);
}

/* A part of a range that outlives the rest; it waits for its registration. */
static void nvlink2_prereg_keep(struct nvlink2_prereg *range,
				unsigned long start, unsigned long end)
{
	struct nvlink2_prereg *part;

	lockdep_assert_held(&nvlink2_prereg_lock);

	if (start >= end)
		return;
	part = nvlink2_prereg_alloc(range->mm, start, end,
				    range->base + (start - range->start));
	if (part)
		list_add_tail(&part->node, &nvlink2_preregs);
	else
		pr_warn("GPU memory at %#lx: register what an munmap left for DMA: out of memory\n",
			start);
}

/* A &coherent_region.unmap */
void nvlink2_prereg_unmap(struct coherent_window *window,
			  struct vm_area_struct *vma)
{
	struct nvlink2_prereg *range, *next;
	LIST_HEAD(hit);

	mutex_lock(&nvlink2_prereg_lock);
	list_for_each_entry_safe(range, next, &nvlink2_preregs, node) {
		if (!range->stale && range->mm == vma->vm_mm &&
		    range->start < vma->vm_end && vma->vm_start < range->end)
			list_move_tail(&range->node, &hit);
	}
	list_for_each_entry_safe(range, next, &hit, node) {
		nvlink2_prereg_keep(range, range->start, vma->vm_start);
		nvlink2_prereg_keep(range, vma->vm_end, range->end);
		if (nvlink2_prereg_unregister(range))
			continue;
		range->stale = true;
		__module_get(THIS_MODULE);
		list_move_tail(&range->node, &nvlink2_preregs);
	}
	if (nvlink2_prereg_settle())
		schedule_delayed_work(&nvlink2_prereg_again, HZ);
	mutex_unlock(&nvlink2_prereg_lock);
}

/* Nothing is stale, or this module would not go. */
void nvlink2_prereg_exit(void)
{
	cancel_delayed_work_sync(&nvlink2_prereg_again);
}
