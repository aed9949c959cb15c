// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory failures ("poison") in a window.
 *
 * The kernel knows nothing of the memory behind a window, so each window says
 * where it is, and the kernel asks which part of a mapping a failed page is:
 * it then kills who maps the page, and nobody else. What failed is remembered
 * until the device is reset, by a reset that worked as far as anybody can tell.
 * It is not mapped again, and read and write of it fail.
 *
 * The question is asked for each mapping that there is. That a page failed which
 * nobody maps is learned from the kernel's trace event.
 */
#define pr_fmt(fmt) "vfio-coherent: " fmt

#include "coherent/window.h"

#ifdef COHGPU_HAVE_PFN_ADDRESS_SPACE

#include <linux/memory-failure.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/slab.h>
#ifdef COHGPU_HAVE_MEMORY_FAILURE_TRACE
#include <linux/tracepoint.h>
#include <trace/events/memory-failure.h>
#endif

#include "coherent/trace.h"

/**
 * struct coherent_watch - what the kernel is told of a window
 * @window: the window
 * @space: its whole pages
 * @entry: in the list of all that the trace event looks through
 * @registered: does the kernel know @space?
 */
struct coherent_watch {
	struct coherent_window *window;
	struct pfn_address_space space;
	struct list_head entry;
	bool registered;
};

static LIST_HEAD(coherent_watches);
static DEFINE_RAW_SPINLOCK(coherent_watches_lock);

/* May be called with preemption off. */
static void coherent_poison_page(struct coherent_window *window,
				 unsigned long pfn)
{
	const struct coherent_span page = {
		.start = PFN_PHYS(pfn) - window->base,
		.length = PAGE_SIZE,
	};
	unsigned long flags;
	bool news;

	raw_spin_lock_irqsave(&window->poison_lock, flags);
	news = coherent_poison_clean(&window->poison, page.start, 1);
	coherent_poison_add(&window->poison, page);
	window->pardoned = false;
	raw_spin_unlock_irqrestore(&window->poison_lock, flags);

	if (!news)
		return;
	trace_coherent_poison(window->cdev, window->index, page.start);
	pci_err(window->cdev->core.pdev,
		"region %u + %#llx: memory failure: kept from users until the device is reset\n",
		window->index, page.start);
	schedule_work(&window->poison_work);
}

/* Where in @vma is the page? The kernel asks for every mapping of the device. */
static int coherent_poison_pgoff(struct vm_area_struct *vma, unsigned long pfn,
				 pgoff_t *pgoff)
{
	struct coherent_window *window = coherent_mmap_window(vma);
	pgoff_t at;

	if (!window || PFN_PHYS(pfn) < window->base ||
	    PFN_PHYS(pfn) - window->base >= window->length)
		return -EFAULT;
	at = (VFIO_PCI_INDEX_TO_OFFSET(window->index) + PFN_PHYS(pfn) -
	      window->base) >> PAGE_SHIFT;
	if (at < vma->vm_pgoff || at - vma->vm_pgoff >= vma_pages(vma))
		return -EFAULT;

	/* Before the process hears of it: it may touch the page again at once. */
	coherent_poison_page(window, pfn);
	*pgoff = at;
	return 0;
}

/* The @i-th range that failed, if there are so many. */
static bool coherent_poison_range(struct coherent_window *window,
				  unsigned int i, struct coherent_span *bad)
{
	unsigned long flags;
	bool there;

	raw_spin_lock_irqsave(&window->poison_lock, flags);
	there = i < window->poison.nr;
	if (there)
		*bad = window->poison.ranges[i];
	raw_spin_unlock_irqrestore(&window->poison_lock, flags);
	return there;
}

static void coherent_poison_work(struct work_struct *work)
{
	struct coherent_window *window =
		container_of(work, struct coherent_window, poison_work);
	struct coherent_span bad;
	unsigned int i;

	/* Who was inserting a mapping before the failure is waited for. */
	down_write(&window->cdev->gate);
	up_write(&window->cdev->gate);
	/* When the ranges change meanwhile, this work is queued again. */
	for (i = 0; coherent_poison_range(window, i, &bad); i++)
		coherent_window_zap_part(window, bad.start, bad.length);
}

int coherent_window_watch(struct coherent_window *window)
{
	struct coherent_watch *watch;
	unsigned long flags;
	int ret;

	raw_spin_lock_init(&window->poison_lock);
	coherent_poison_init(&window->poison);
	window->pardoned = false;
	INIT_WORK(&window->poison_work, coherent_poison_work);
	window->watch = NULL;
	if (window->length < PAGE_SIZE || window->cache == COHERENT_REGISTERS)
		return 0;

	watch = kzalloc(sizeof(*watch), GFP_KERNEL);
	if (!watch)
		return -ENOMEM;
	watch->window = window;
	watch->space.node.start = PHYS_PFN(window->base);
	watch->space.node.last =
		watch->space.node.start + PHYS_PFN(window->length) - 1;
	watch->space.mapping = window->cdev->mapping->i_mapping;
	watch->space.pfn_to_vma_pgoff = coherent_poison_pgoff;

	ret = register_pfn_address_space(&watch->space);
	if (ret)
		pci_warn(window->cdev->core.pdev,
			 "region %u: memory failures: not told, registration failed: %d\n",
			 window->index, ret);
	watch->registered = !ret;

	raw_spin_lock_irqsave(&coherent_watches_lock, flags);
	list_add(&watch->entry, &coherent_watches);
	raw_spin_unlock_irqrestore(&coherent_watches_lock, flags);
	window->watch = watch;
	return 0;
}

void coherent_window_unwatch(struct coherent_window *window)
{
	struct coherent_watch *watch = window->watch;
	unsigned long flags;

	if (!watch)
		return;
	raw_spin_lock_irqsave(&coherent_watches_lock, flags);
	list_del(&watch->entry);
	raw_spin_unlock_irqrestore(&coherent_watches_lock, flags);
	if (watch->registered)
		unregister_pfn_address_space(&watch->space);
	cancel_work_sync(&window->poison_work);
	kfree(watch);
	window->watch = NULL;
}

/*
 * Bytes from @offset on, at most @length, before the first that failed. In the
 * gate, a failure that this does not see yet waits with its work for the caller.
 */
u64 coherent_window_clean(struct coherent_window *window, u64 offset,
			  u64 length)
{
	unsigned long flags;

	if (!READ_ONCE(window->poison.nr))
		return length;
	raw_spin_lock_irqsave(&window->poison_lock, flags);
	length = coherent_poison_clean(&window->poison, offset, length);
	raw_spin_unlock_irqrestore(&window->poison_lock, flags);
	return length;
}

/*
 * A reset is over, which gives all memory a new life if it was one. Until that
 * is known what failed stays refused; what fails meanwhile revokes the pardon.
 */
void coherent_window_pardon(struct coherent_window *window, bool pardoned)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&window->poison_lock, flags);
	window->pardoned = pardoned;
	raw_spin_unlock_irqrestore(&window->poison_lock, flags);
}

/* Nobody can say any more that the reset failed. */
void coherent_window_heal(struct coherent_window *window)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&window->poison_lock, flags);
	if (window->pardoned)
		coherent_poison_init(&window->poison);
	window->pardoned = false;
	raw_spin_unlock_irqrestore(&window->poison_lock, flags);
}

#ifdef COHGPU_HAVE_MEMORY_FAILURE_TRACE

static void coherent_poison_event(void *data, unsigned long pfn, int type,
				  int result)
{
	struct coherent_watch *watch;
	unsigned long flags;

	raw_spin_lock_irqsave(&coherent_watches_lock, flags);
	list_for_each_entry(watch, &coherent_watches, entry) {
		if (pfn >= watch->space.node.start &&
		    pfn <= watch->space.node.last)
			coherent_poison_page(watch->window, pfn);
	}
	raw_spin_unlock_irqrestore(&coherent_watches_lock, flags);
}

/* The event is not exported by name; it is found among all that the kernel has. */
static struct tracepoint *coherent_poison_tracepoint;

static void coherent_poison_find(struct tracepoint *tp, void *data)
{
	if (!strcmp(tp->name, "memory_failure_event"))
		coherent_poison_tracepoint = tp;
}

int coherent_poison_start(void)
{
	check_trace_callback_type_memory_failure_event(coherent_poison_event);
	for_each_kernel_tracepoint(coherent_poison_find, NULL);
	if (!coherent_poison_tracepoint) {
		pr_info("this kernel tells of no memory failure that nobody maps\n");
		return 0;
	}
	return tracepoint_probe_register(coherent_poison_tracepoint,
					 coherent_poison_event, NULL);
}

void coherent_poison_stop(void)
{
	if (!coherent_poison_tracepoint)
		return;
	tracepoint_probe_unregister(coherent_poison_tracepoint,
				    coherent_poison_event, NULL);
	tracepoint_synchronize_unregister();
}

#endif

#else

int coherent_window_watch(struct coherent_window *window)
{
	return 0;
}

void coherent_window_unwatch(struct coherent_window *window)
{
}

u64 coherent_window_clean(struct coherent_window *window, u64 offset,
			  u64 length)
{
	return length;
}

void coherent_window_pardon(struct coherent_window *window, bool pardoned)
{
}

void coherent_window_heal(struct coherent_window *window)
{
}

#endif

#ifndef COHGPU_HAVE_MEMORY_FAILURE_TRACE

int coherent_poison_start(void)
{
	return 0;
}

void coherent_poison_stop(void)
{
}

#endif
