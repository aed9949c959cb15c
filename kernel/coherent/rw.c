// SPDX-License-Identifier: GPL-2.0-only
/*
 * read() and write() of a window.
 *
 * The user's buffer may be a mapping of this very window, a userfaultfd range
 * or a FUSE file: touching it can take mmap_lock, wait for user space, or fault
 * on the window itself. So no lock is held while it is touched. Bytes go
 * through a bounce buffer, block by block, and the locks are held only while a
 * block moves between the bounce buffer and the device:
 *
 *	user buffer <-- no lock --> bounce buffer <-- locks --> window
 *
 * Whether the window answers and is ready is checked anew for each block. A
 * fatal signal ends the transfer after the block under way; what was done until
 * an error or a signal is what the call returns.
 */
#include <linux/pm_runtime.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "coherent/window.h"

#define COHERENT_BLOCK SZ_64K
#define COHERENT_BLOCK_SMALL 64

/* What a read of the tail gives, a block of it. */
static void *coherent_ones;

int coherent_rw_init(void)
{
	coherent_ones = kvmalloc(COHERENT_BLOCK, GFP_KERNEL);
	if (!coherent_ones)
		return -ENOMEM;
	memset(coherent_ones, 0xFF, COHERENT_BLOCK);
	return 0;
}

void coherent_rw_exit(void)
{
	kvfree(coherent_ones);
}

/* Make the view that @offset is in, if the memory is ready. */
static int coherent_rw_make_view(struct coherent_window *window, u64 offset)
{
	struct coherent_device *cdev = window->cdev;
	int ret = 0;

	/*
	 * A reset counts its edge before it takes the gate. So either this
	 * sees that the memory is not ready, or the reset sees the new view.
	 */
	down_write(&cdev->gate);
	if (coherent_ready_now(cdev) == COHERENT_READY_YES)
		ret = coherent_window_view(window, offset);
	up_write(&cdev->gate);
	return ret;
}

/*
 * Move one block between bounce buffer and window.
 * Return: 0, 1 if the memory is not known to be ready, 2 if a view is missing,
 * or an error.
 */
static int coherent_rw_try(struct coherent_window *window, u64 offset,
			   void *bytes, size_t count, bool write)
{
	struct coherent_device *cdev = window->cdev;
	int ret = 0;

	if (down_read_killable(&cdev->core.memory_lock))
		return -EINTR;
	down_read(&cdev->gate);
	if (!coherent_window_answers(window))
		ret = -EIO;
	else if (coherent_ready_now(cdev) != COHERENT_READY_YES)
		ret = 1;
	else if (coherent_window_clean(window, offset, count) < count)
		ret = -EIO;
	else if (!coherent_window_viewed(window, offset))
		ret = 2;
	else
		ret = coherent_window_copy(window, offset, bytes, count, write);
	up_read(&cdev->gate);
	up_read(&cdev->core.memory_lock);
	return ret;
}

static int coherent_rw_block(struct coherent_window *window, u64 offset,
			     void *bytes, size_t count, bool write)
{
	int ret;

	for (;;) {
		ret = coherent_rw_try(window, offset, bytes, count, write);
		if (ret <= 0)
			return ret;
		if (ret == 1)
			ret = coherent_ready_wait(window->cdev);
		else
			ret = coherent_rw_make_view(window, offset);
		if (ret)
			return ret;
	}
}

static ssize_t coherent_rw_memory(struct coherent_window *window,
				  char __user *buf, size_t count, u64 offset,
				  bool write)
{
	u8 small[COHERENT_BLOCK_SMALL];
	size_t block = sizeof(small);
	void *large = NULL;
	void *bounce = small;
	size_t done = 0;
	int ret = 0;

	if (count > block) {
		large = kvmalloc(min_t(size_t, count, COHERENT_BLOCK),
				 GFP_KERNEL_ACCOUNT);
		if (!large)
			return -ENOMEM;
		block = min_t(size_t, count, COHERENT_BLOCK);
		bounce = large;
	}

	while (done < count && !ret) {
		size_t now = min(count - done, block);
		size_t missed = 0;

		now = coherent_window_reach(window, offset + done, now);
		/* Up to what failed; starting there, it is for the block to refuse. */
		now = coherent_window_clean(window, offset + done, now) ?: now;
		if (write) {
			missed = copy_from_user(bounce, buf + done, now);
			now -= missed;
		}
		if (now)
			ret = coherent_rw_block(window, offset + done, bounce,
						now, write);
		if (ret)
			break;
		if (!write) {
			missed = copy_to_user(buf + done, bounce, now);
			now -= missed;
		}
		done += now;

		if (missed)
			ret = -EFAULT;
		else if (fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}

	kvfree(large);
	return done ?: ret;
}

/* Past the memory, inside the BAR: nothing answers. */
static ssize_t coherent_rw_tail(struct coherent_window *window,
				char __user *buf, size_t count, bool write)
{
	struct coherent_device *cdev = window->cdev;
	size_t done = 0;

	while (done < count) {
		size_t now = min_t(size_t, count - done, COHERENT_BLOCK);
		bool answers;

		if (down_read_killable(&cdev->core.memory_lock))
			return done ?: -EINTR;
		answers = coherent_window_answers(window);
		up_read(&cdev->core.memory_lock);
		if (!answers)
			return done ?: -EIO;
		if (write)
			return count;
		if (copy_to_user(buf + done, coherent_ones, now))
			return done ?: -EFAULT;
		done += now;

		if (fatal_signal_pending(current))
			return done;
		cond_resched();
	}
	return done;
}

static ssize_t coherent_rw_parts(struct coherent_window *window,
				 char __user *buf, u64 offset,
				 const struct coherent_access *access,
				 bool write)
{
	ssize_t memory = 0, tail;

	if (access->memory) {
		memory = coherent_rw_memory(window, buf, access->memory, offset,
					    write);
		if (memory < 0 || memory < access->memory)
			return memory;
	}

	tail = coherent_rw_tail(window, buf + memory, access->tail, write);
	if (tail < 0)
		return memory ?: tail;
	return memory + tail;
}

ssize_t coherent_window_rw(struct coherent_window *window, char __user *buf,
			   size_t count, loff_t *ppos, bool write)
{
	struct vfio_pci_core_device *core = &window->cdev->core;
	u32 only = window->region ? window->region->access : 0;
	u64 offset = *ppos & VFIO_PCI_OFFSET_MASK;
	struct coherent_access access;
	bool low_power;
	ssize_t done;
	int ret;

	ret = coherent_span_access(offset, count, window->length,
				   window->region_size, &access);
	if (ret || !count)
		return ret;
	if (only && (count != only || offset % only))
		return -EINVAL;

	/* Between accesses the function sleeps, and may forget its training. */
	if (down_read_killable(&core->memory_lock))
		return -EINTR;
	low_power = core->pm_runtime_engaged;
	up_read(&core->memory_lock);

	ret = pm_runtime_resume_and_get(&core->pdev->dev);
	if (ret) {
		pci_info_ratelimited(core->pdev,
				     "region %u: access: runtime resume failed: %d\n",
				     window->index, ret);
		return -EIO;
	}

	if (low_power)
		coherent_forget(window->cdev);
	done = coherent_rw_parts(window, buf, offset, &access, write);
	if (low_power)
		coherent_forget(window->cdev);
	pm_runtime_put(&core->pdev->dev);
	if (done > 0)
		*ppos += done;
	return done;
}
