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
 *	open	is refused while others can still do DMA to the memory
 *
 * Who did DMA to a range may do so yet when its mapping is gone: the IOMMU has
 * some of it mapped, or a container registered it, too, and may map it again. It
 * is *stale* until neither is so, and as long nobody may open the GPU. Stale
 * ranges are looked at again once a second, and when the GPU is to be opened.
 * What waits for one to go is *wanted*.
 *
 * The kernel's code errs in three ways, which are kept away from it here:
 *
 * It takes the largest IOMMU page that fits a registration from its physical
 * address and length. If the user address has less alignment, such a page ends
 * in the BUG_ON of pnv_tce_xchg(), at a program's or a guest's wish. What is
 * that *askew* is not registered.
 *
 * On some kernels mm_iommu_is_devmem(), which the IOMMU code calls with every
 * mapping that it makes, returns with the RCU read lock held when the answer is
 * yes. Where that counts (a preemptible kernel) the machine stops soon after.
 * So it is asked here, once, and where it does that, nothing is registered. What
 * it is asked of must be a registration, which programs could try to map, at
 * whatever address: so it is of a physical address that no IOMMU page fits, and
 * to map it fails before the kernel asks.
 *
 * A container that gives back what the IOMMU has mapped, as the last to have it,
 * forgets it, but the kernel does not: it is nobody's, for ever. When no
 * container is left that could have it, it is given back from here.
 */
#include <linux/align.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "nvlink2/nvlink2.h"

/* The largest page of an IOMMU table, on any machine with these GPUs. */
#define NVLINK2_PREREG_PAGE_SHIFT ilog2(SZ_1G)

/* Ranges of one GPU, stale ones included; they outlive what limits mappings. */
#define NVLINK2_PREREG_MAX 1024

static bool allow_unsafe_dma;
module_param(allow_unsafe_dma, bool, 0644);
MODULE_PARM_DESC(allow_unsafe_dma, "register GPU memory for DMA at any user address, even if a program or guest that misuses it can stop the host");

/**
 * struct nvlink2_prereg - a range of user addresses that maps GPU memory
 * @node: in nvlink2_preregs
 * @mm: whose addresses, with a reference to the struct
 * @start: first address
 * @end: behind the last
 * @base: physical address at @start
 * @mem: its registration, NULL: wanted
 * @stale: the mapping is gone
 * @put: @mem was given back; only a container may have it yet
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
	bool put;
};

static void nvlink2_prereg_work(struct work_struct *work);

/* Guards all below; taken with mmap_lock held. */
static DEFINE_MUTEX(nvlink2_prereg_lock);
static LIST_HEAD(nvlink2_preregs);
static bool nvlink2_prereg_asked, nvlink2_prereg_refused;

static DECLARE_DELAYED_WORK(nvlink2_prereg_again, nvlink2_prereg_work);

static struct nvlink2_prereg *nvlink2_prereg_alloc(struct mm_struct *mm,
						   unsigned long start,
						   unsigned long end,
						   phys_addr_t base)
{
	struct nvlink2_prereg *range = kzalloc(sizeof(*range),
					       GFP_KERNEL_ACCOUNT);

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

static bool nvlink2_prereg_overlaps(const struct nvlink2_prereg *range,
				    const struct mm_struct *mm,
				    unsigned long start, unsigned long end)
{
	return range->mm == mm && range->start < end && start < range->end;
}

/* Has @start less alignment than the kernel will take it to have? */
static bool nvlink2_prereg_askew(unsigned long start, unsigned long end,
				 phys_addr_t base)
{
	unsigned long bits = base | (end - start);

	return !IS_ALIGNED(start, BIT(min_t(unsigned long, __ffs(bits),
					    NVLINK2_PREREG_PAGE_SHIFT)));
}

/*
 * Can nobody but this driver have a registration of these addresses? A container
 * keeps a reference to the struct from its first registration to its end, and
 * so does a guest. Where the ranges here have all that there are, and no process
 * uses the addresses, nobody is left who could get another.
 */
static bool nvlink2_prereg_abandoned(struct mm_struct *mm)
{
	struct nvlink2_prereg *range;
	int ours = 0;

	lockdep_assert_held(&nvlink2_prereg_lock);

	if (atomic_read(&mm->mm_users))
		return false;
	list_for_each_entry(range, &nvlink2_preregs, node)
		ours += range->mm == mm;
	/* What was done with the other references was done before. */
	return atomic_read_acquire(&mm->mm_count) == ours;
}

/* Is the registration gone, of which this driver has no part any more? */
static bool nvlink2_prereg_returned(struct nvlink2_prereg *range)
{
	const struct nvlink2_platform *platform = nvlink2_platform_get();
	unsigned long bytes = range->end - range->start;

	if (!range->put)
		range->put = !platform->put(range->mm, range->mem);
	if (range->put &&
	    platform->lookup(range->mm, range->start, bytes) == range->mem &&
	    nvlink2_prereg_abandoned(range->mm))
		platform->put(range->mm, range->mem);
	if (range->put &&
	    platform->lookup(range->mm, range->start, bytes) != range->mem)
		range->mem = NULL;
	nvlink2_platform_put();
	return !range->mem;
}

/* Take a range back that nobody maps any more. True: it is gone. */
static bool nvlink2_prereg_unregister(struct nvlink2_prereg *range)
{
	lockdep_assert_held(&nvlink2_prereg_lock);

	if (range->mem && !nvlink2_prereg_returned(range))
		return false;
	list_del(&range->node);
	if (range->stale)
		module_put(THIS_MODULE);
	nvlink2_prereg_free(range);
	return true;
}

/* What is stale may have gone by now: then it is not in the way. */
static void nvlink2_prereg_clear(struct mm_struct *mm, unsigned long start,
				 unsigned long end)
{
	struct nvlink2_prereg *range, *next;

	lockdep_assert_held(&nvlink2_prereg_lock);

	list_for_each_entry_safe(range, next, &nvlink2_preregs, node) {
		if (range->stale &&
		    nvlink2_prereg_overlaps(range, mm, start, end))
			nvlink2_prereg_unregister(range);
	}
}

static int nvlink2_prereg_register(struct nvlink2_prereg *range)
{
	const struct nvlink2_platform *platform = nvlink2_platform_get();
	int ret;

	lockdep_assert_held(&nvlink2_prereg_lock);

	nvlink2_prereg_clear(range->mm, range->start, range->end);
	ret = platform->newdev(range->mm, range->start,
			       (range->end - range->start) >> PAGE_SHIFT,
			       range->base, &range->mem);
	nvlink2_platform_put();
	return ret;
}

/* Take a range back; what cannot be is stale. */
static bool nvlink2_prereg_drop(struct nvlink2_prereg *range)
{
	if (nvlink2_prereg_unregister(range))
		return true;
	range->stale = true;
	__module_get(THIS_MODULE);
	schedule_delayed_work(&nvlink2_prereg_again, HZ);
	return false;
}

/* Whatever can be done by now. True: something is left. */
static bool nvlink2_prereg_settle(void)
{
	struct nvlink2_prereg *range, *next;
	bool left = false;

	lockdep_assert_held(&nvlink2_prereg_lock);

	list_for_each_entry_safe(range, next, &nvlink2_preregs, node) {
		if (range->stale && !nvlink2_prereg_unregister(range))
			left = true;
	}
	list_for_each_entry(range, &nvlink2_preregs, node) {
		if (!range->stale && !range->mem &&
		    nvlink2_prereg_register(range))
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

/* Not every machine needs it, and not every kernel can. */
static bool nvlink2_prereg_possible(void)
{
	const struct nvlink2_platform *platform = nvlink2_platform_get();
	bool possible = platform->newdev && platform->put && platform->lookup;

	nvlink2_platform_put();
	return possible && !nvlink2_prereg_refused;
}

/* Does the kernel come back from the question as it went? See above. */
static bool nvlink2_prereg_leaks(const struct nvlink2_prereg *range)
{
	const struct nvlink2_platform *platform = nvlink2_platform_get();
	int count = preempt_count(), depth = rcu_preempt_depth();
	unsigned long size;
	bool leaks;

	if (platform->is_devmem)
		platform->is_devmem(range->mm, range->base, PAGE_SHIFT, &size);
	leaks = preempt_count() != count || rcu_preempt_depth() != depth;
	if (leaks) {
		/* What was left behind. */
		__acquire(RCU);
		rcu_read_unlock();
	}
	nvlink2_platform_put();
	return leaks;
}

/*
 * Ask that once, with a page that begins a byte behind @base, which leaves no bit
 * for an IOMMU page. Return: 0, or why it is not known.
 */
static int nvlink2_prereg_ask(struct mm_struct *mm, phys_addr_t base)
{
	struct nvlink2_prereg *range;
	int ret;

	lockdep_assert_held(&nvlink2_prereg_lock);

	if (nvlink2_prereg_asked || !nvlink2_prereg_possible())
		return 0;
	range = nvlink2_prereg_alloc(mm, PAGE_OFFSET, PAGE_OFFSET + PAGE_SIZE,
				     base + 1);
	if (!range)
		return -ENOMEM;
	ret = nvlink2_prereg_register(range);
	if (ret) {
		nvlink2_prereg_free(range);
		return ret;
	}
	list_add_tail(&range->node, &nvlink2_preregs);
	nvlink2_prereg_refused = nvlink2_prereg_leaks(range);
	if (nvlink2_prereg_refused)
		pr_warn("GPU memory as a DMA target: must have a kernel whose mm_iommu_is_devmem() gives the RCU read lock back\n");
	nvlink2_prereg_asked = nvlink2_prereg_drop(range);
	return nvlink2_prereg_asked ? 0 : -EBUSY;
}

/* How many ranges are of this memory; with @stale, only such. */
static unsigned int nvlink2_prereg_count(phys_addr_t base, u64 size, bool stale)
{
	struct nvlink2_prereg *range;
	unsigned int n = 0;

	lockdep_assert_held(&nvlink2_prereg_lock);

	list_for_each_entry(range, &nvlink2_preregs, node) {
		if (range->base >= base && range->base - base < size &&
		    (range->stale || !stale))
			n++;
	}
	return n;
}

/* May another range of the window's memory be registered there? */
static int nvlink2_prereg_check(struct coherent_window *window,
				unsigned long start, unsigned long end,
				phys_addr_t base)
{
	struct pci_dev *pdev = window->cdev->core.pdev;

	if (!READ_ONCE(allow_unsafe_dma) &&
	    nvlink2_prereg_askew(start, end, base)) {
		pci_info_ratelimited(pdev, "region %u: mapping at %#lx: register for DMA: must be aligned as its physical address %pap and its length are, to 1 GiB at most\n",
				     window->index, start, &base);
		return -EINVAL;
	}
	if (nvlink2_prereg_count(window->base, window->length, false) >=
	    NVLINK2_PREREG_MAX) {
		pci_info_ratelimited(pdev, "region %u: mapping at %#lx: register for DMA: must be one of %u at most, with those that are still in use\n",
				     window->index, start, NVLINK2_PREREG_MAX);
		return -ENOSPC;
	}
	return 0;
}

/* With @wait, what cannot be registered now is wanted. */
static int nvlink2_prereg_add(struct coherent_window *window,
			      struct vm_area_struct *vma, phys_addr_t base,
			      bool wait)
{
	struct nvlink2_prereg *range;
	int ret;

	lockdep_assert_held(&nvlink2_prereg_lock);

	range = nvlink2_prereg_alloc(vma->vm_mm, vma->vm_start, vma->vm_end,
				     base);
	if (!range)
		return -ENOMEM;
	ret = nvlink2_prereg_register(range);
	if (ret && !wait) {
		nvlink2_prereg_free(range);
		return ret;
	}
	list_add_tail(&range->node, &nvlink2_preregs);
	if (ret)
		schedule_delayed_work(&nvlink2_prereg_again, HZ);
	return ret;
}

static int nvlink2_prereg_make(struct coherent_window *window,
			       struct vm_area_struct *vma, phys_addr_t base,
			       bool wait)
{
	int ret;

	mutex_lock(&nvlink2_prereg_lock);
	/* What is possible stays so until the range has it. */
	nvlink2_platform_get();
	ret = nvlink2_prereg_ask(vma->vm_mm, base);
	if (!ret && nvlink2_prereg_possible()) {
		ret = nvlink2_prereg_check(window, vma->vm_start, vma->vm_end,
					   base);
		if (!ret)
			ret = nvlink2_prereg_add(window, vma, base, wait);
		else if (ret == -EINVAL)
			ret = 0; /* as memory that no DMA reaches */
	}
	nvlink2_platform_put();
	mutex_unlock(&nvlink2_prereg_lock);

	if (ret)
		pci_info_ratelimited(window->cdev->core.pdev,
				     "region %u: mapping at %#lx: register for DMA: error %d\n",
				     window->index, vma->vm_start, ret);
	return ret;
}

/* A &coherent_region.map */
int nvlink2_prereg_map(struct coherent_window *window,
		       struct vm_area_struct *vma, phys_addr_t base)
{
	return nvlink2_prereg_make(window, vma, base, false);
}

/* A &coherent_region.copy: new addresses are registered, if they are new. */
void nvlink2_prereg_copy(struct coherent_window *window,
			 struct vm_area_struct *vma, phys_addr_t base)
{
	if (vma->vm_mm == current->mm && !vma_lookup(vma->vm_mm, vma->vm_start))
		nvlink2_prereg_make(window, vma, base, true);
}

/* A part of a range that outlives the rest; it waits for its registration. */
static void nvlink2_prereg_keep(struct coherent_window *window,
				struct nvlink2_prereg *range,
				unsigned long start, unsigned long end)
{
	phys_addr_t base = range->base + (start - range->start);
	struct nvlink2_prereg *part;

	lockdep_assert_held(&nvlink2_prereg_lock);

	if (start >= end || nvlink2_prereg_check(window, start, end, base))
		return;
	part = nvlink2_prereg_alloc(range->mm, start, end, base);
	if (part)
		list_add_tail(&part->node, &nvlink2_preregs);
	else
		pr_warn("GPU memory at %#lx: register what an munmap left for DMA: out of memory\n",
			start);
}

/* What was kept of a range is registered, if the range itself could go. */
static void nvlink2_prereg_register_kept(struct mm_struct *mm)
{
	struct nvlink2_prereg *range;

	lockdep_assert_held(&nvlink2_prereg_lock);

	list_for_each_entry(range, &nvlink2_preregs, node) {
		if (range->mm == mm && !range->stale && !range->mem &&
		    nvlink2_prereg_register(range))
			schedule_delayed_work(&nvlink2_prereg_again, HZ);
	}
}

/* A &coherent_region.unmap */
void nvlink2_prereg_unmap(struct coherent_window *window,
			  struct vm_area_struct *vma)
{
	struct nvlink2_prereg *range, *next;
	LIST_HEAD(hit);

	/* What a split made that failed; 6.1 closes it as if it had no end. */
	if (vma->vm_start == vma->vm_end)
		return;

	mutex_lock(&nvlink2_prereg_lock);
	list_for_each_entry_safe(range, next, &nvlink2_preregs, node) {
		if (!range->stale &&
		    nvlink2_prereg_overlaps(range, vma->vm_mm, vma->vm_start,
					    vma->vm_end))
			list_move_tail(&range->node, &hit);
	}
	list_for_each_entry_safe(range, next, &hit, node) {
		nvlink2_prereg_keep(window, range, range->start, vma->vm_start);
		nvlink2_prereg_keep(window, range, vma->vm_end, range->end);
		list_move_tail(&range->node, &nvlink2_preregs);
		nvlink2_prereg_drop(range);
	}
	nvlink2_prereg_register_kept(vma->vm_mm);
	mutex_unlock(&nvlink2_prereg_lock);
}

/*
 * A GPU is being opened: by somebody whose memory must not be within reach of
 * DMA that whoever had the GPU before can still do.
 */
int nvlink2_prereg_open(struct nvlink2_device *nvdev)
{
	const struct nvlink2_firmware *fw = &nvdev->firmware;
	unsigned int left;

	if (fw->side != NVLINK2_GPU)
		return 0;
	mutex_lock(&nvlink2_prereg_lock);
	nvlink2_prereg_settle();
	left = nvlink2_prereg_count(fw->base, fw->size, true);
	mutex_unlock(&nvlink2_prereg_lock);
	if (!left)
		return 0;
	dev_err_ratelimited(&nvdev->coherent.core.pdev->dev,
			    "open: %u ranges of GPU memory that were mapped before: must be given up by who did DMA to them\n",
			    left);
	return -EBUSY;
}

/* Nothing is stale, or this module would not go. */
void nvlink2_prereg_exit(void)
{
	cancel_delayed_work_sync(&nvlink2_prereg_again);
}
