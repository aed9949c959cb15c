// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own mappings of a window.
 *
 * A window can be hundreds of gigabytes; most of it is never touched by the
 * kernel, and what is mapped cacheable may be prefetched at any time. So the
 * window is divided into views of COHERENT_VIEW_BYTES each, mapped when first
 * needed and all unmapped when a reset starts. (1 GiB: the memory map's largest
 * page on 4 KiB kernels, so one view costs one page-table entry where base and
 * address space agree.)
 *
 * Views are made and forgotten with the device's gate held for write, used
 * with it held for read.
 *
 * Memory that must not be prefetched before someone else brought it to life has
 * no views: what is copied is mapped for as long as the copy takes.
 */
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "coherent/window.h"

#define COHERENT_VIEW_BYTES SZ_1G

bool coherent_window_brief(const struct coherent_window *window)
{
	return window->region && window->region->brief;
}

static void *coherent_window_map(const struct coherent_window *window,
				 u64 start, size_t bytes)
{
	phys_addr_t base = window->base + start;

	switch (window->cache) {
	case COHERENT_CACHED:
		return memremap(base, bytes, MEMREMAP_WB);
	case COHERENT_WRITECOMBINE:
		return (void __force *)ioremap_wc(base, bytes);
	case COHERENT_REGISTERS:
		return (void __force *)ioremap(base, bytes);
	}
	return NULL;
}

static void coherent_window_unmap(const struct coherent_window *window,
				  void *map)
{
	if (window->cache == COHERENT_CACHED)
		memunmap(map);
	else
		iounmap((void __iomem __force *)map);
}

/* Memory that the host itself uses is nobody's to give away. */
static int coherent_window_free(const struct coherent_window *window)
{
	if (!window->length || window->cache == COHERENT_REGISTERS ||
	    region_intersects(window->base, window->length,
			      IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) == REGION_DISJOINT)
		return 0;
	pci_err(window->cdev->core.pdev,
		"memory at %pa + %#llx: bind: the host uses it as RAM, take it offline first\n",
		&window->base, window->length);
	return -EBUSY;
}

int coherent_window_init(struct coherent_window *window)
{
	int ret;

	ret = coherent_window_free(window);
	if (ret)
		return ret;
	coherent_ready_init(&window->cdev->ready, window->cdev->ops->required);
	ret = coherent_window_watch(window);
	if (ret || coherent_window_brief(window) || !window->length)
		return ret;

	window->nr_views = DIV_ROUND_UP(window->length, COHERENT_VIEW_BYTES);
	window->views = kvcalloc(window->nr_views, sizeof(*window->views),
				 GFP_KERNEL);
	if (window->views)
		return 0;
	coherent_window_unwatch(window);
	return -ENOMEM;
}

void coherent_window_destroy(struct coherent_window *window)
{
	coherent_window_unwatch(window);
	coherent_window_forget(window);
	kvfree(window->views);
	window->views = NULL;
}

/* Bytes from @offset on, at most @count, that one view holds. */
size_t coherent_window_reach(const struct coherent_window *window, u64 offset,
			     size_t count)
{
	return min_t(u64, count,
		     COHERENT_VIEW_BYTES - offset % COHERENT_VIEW_BYTES);
}

bool coherent_window_viewed(const struct coherent_window *window, u64 offset)
{
	lockdep_assert_held(&window->cdev->gate);

	return coherent_window_brief(window) ||
	       window->views[offset / COHERENT_VIEW_BYTES];
}

/* Make the view that holds @offset, unless it is there. */
int coherent_window_view(struct coherent_window *window, u64 offset)
{
	u64 start = rounddown(offset, COHERENT_VIEW_BYTES);
	size_t bytes = min_t(u64, COHERENT_VIEW_BYTES, window->length - start);
	void **view = &window->views[offset / COHERENT_VIEW_BYTES];

	lockdep_assert_held_write(&window->cdev->gate);

	if (!*view)
		*view = coherent_window_map(window, start, bytes);
	return *view ? 0 : -ENOMEM;
}

/*
 * Unmake all views: nothing in the kernel has an address of the memory
 * afterwards. True if there were any; TLBs may still know them.
 */
bool coherent_window_forget(struct coherent_window *window)
{
	bool some = false;
	unsigned int i;

	for (i = 0; i < window->nr_views; i++) {
		if (!window->views[i])
			continue;
		coherent_window_unmap(window, window->views[i]);
		window->views[i] = NULL;
		some = true;
	}
	return some;
}

/*
 * Uncached memory wants whole, aligned accesses. They are raw, that is in the
 * CPU's own byte order, so that the bytes keep theirs.
 */
static void coherent_window_io_read(const void __iomem *io, void *bytes,
				    size_t count)
{
	u64 q;
	u32 l;
	u16 w;

	while (count) {
		unsigned int width = coherent_span_word((unsigned long)io,
							count);

		switch (width) {
		case 8:
			q = __raw_readq(io);
			memcpy(bytes, &q, sizeof(q));
			break;
		case 4:
			l = __raw_readl(io);
			memcpy(bytes, &l, sizeof(l));
			break;
		case 2:
			w = __raw_readw(io);
			memcpy(bytes, &w, sizeof(w));
			break;
		default:
			*(u8 *)bytes = __raw_readb(io);
		}
		io += width;
		bytes += width;
		count -= width;
	}
}

static void coherent_window_io_write(void __iomem *io, const void *bytes,
				     size_t count)
{
	u64 q;
	u32 l;
	u16 w;

	while (count) {
		unsigned int width = coherent_span_word((unsigned long)io,
							count);

		switch (width) {
		case 8:
			memcpy(&q, bytes, sizeof(q));
			__raw_writeq(q, io);
			break;
		case 4:
			memcpy(&l, bytes, sizeof(l));
			__raw_writel(l, io);
			break;
		case 2:
			memcpy(&w, bytes, sizeof(w));
			__raw_writew(w, io);
			break;
		default:
			__raw_writeb(*(const u8 *)bytes, io);
		}
		io += width;
		bytes += width;
		count -= width;
	}
}

/*
 * Cached memory may be fenced by firmware, or have failed without anybody
 * knowing: where the CPU can recover from a machine check, a load of it does.
 */
static int coherent_window_copy_at(const struct coherent_window *window,
				   void *at, void *bytes, size_t count,
				   bool write)
{
	void __iomem *io = (void __iomem __force *)at;
	int ret = 0;

	if (window->cache == COHERENT_REGISTERS)
		mb(); /* a register's effect comes after what was done before */
	if (window->cache == COHERENT_CACHED && write)
		memcpy(at, bytes, count);
	else if (window->cache == COHERENT_CACHED)
		ret = copy_mc_to_kernel(bytes, at, count) ? -EIO : 0;
	else if (write)
		coherent_window_io_write(io, bytes, count);
	else
		coherent_window_io_read(io, bytes, count);
	if (window->cache == COHERENT_REGISTERS)
		mb(); /* and before what is done afterwards */
	return ret;
}

static int coherent_window_copy_brief(const struct coherent_window *window,
				      u64 offset, void *bytes, size_t count,
				      bool write)
{
	size_t into = offset & ~PAGE_MASK;
	void *map = coherent_window_map(window, offset - into,
					PAGE_ALIGN(into + count));
	int ret;

	if (!map)
		return -ENOMEM;
	ret = coherent_window_copy_at(window, map + into, bytes, count, write);
	coherent_window_unmap(window, map);
	return ret;
}

/* May user memory be copied to and from it: is any width of access the same? */
bool coherent_window_direct(const struct coherent_window *window)
{
	return window->cache == COHERENT_CACHED &&
	       !coherent_window_brief(window);
}

static void *coherent_window_at(const struct coherent_window *window,
				u64 offset)
{
	return window->views[offset / COHERENT_VIEW_BYTES] +
	       offset % COHERENT_VIEW_BYTES;
}

/*
 * Copy within one view that is there; @bytes is kernel memory.
 * Return: 0, -ENOMEM if brief memory could not be mapped, or -EIO if a load
 * failed.
 */
int coherent_window_copy(struct coherent_window *window, u64 offset,
			 void *bytes, size_t count, bool write)
{
	lockdep_assert_held_read(&window->cdev->gate);

	if (coherent_window_brief(window))
		return coherent_window_copy_brief(window, offset, bytes, count,
						  write);
	return coherent_window_copy_at(window,
				       coherent_window_at(window, offset),
				       bytes, count, write);
}

/*
 * Copy within one view that is there, as far as @buf is there: with locks held
 * none of its faults can be served. Loads recover as they do above.
 * Return: how many bytes, at the end, may not have been copied.
 */
size_t coherent_window_copy_user(struct coherent_window *window, u64 offset,
				 char __user *buf, size_t count, bool write)
{
	void *at = coherent_window_at(window, offset);
	struct iov_iter iter;
	size_t done;

	lockdep_assert_held_read(&window->cdev->gate);

	iov_iter_ubuf(&iter, write ? WRITE : READ, buf, count);
	pagefault_disable();
	/* Without the checks of hardened usercopy: a view is no object of its. */
	if (write)
		done = _copy_from_iter(at, count, &iter);
	else
		done = _copy_mc_to_iter(at, count, &iter);
	pagefault_enable();
	return count - done;
}
