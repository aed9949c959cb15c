// SPDX-License-Identifier: GPL-2.0-only
/*
 * read() and write() of a window.
 *
 * The user's buffer may be a mapping of this very window, a userfaultfd range
 * or a FUSE file: a fault on it can take mmap_lock, wait for user space, or
 * fault on the window itself. So no lock is held while a fault is served, and
 * bytes go one of two ways, block by block:
 *
 *	user buffer <-- locks, no faults --> window
 *	user buffer <-- no lock --> bounce buffer <-- locks --> window
 *
 * The first is for memory that may be copied in any width: it goes as far as
 * the buffer is there. Where it does not get anywhere, for the buffer or for a
 * load that failed, a block goes the second way, which faults the buffer in and
 * tells the two apart. So what a failing write counted is written, and of the
 * block that failed perhaps more. Registers and uncached memory, which want
 * accesses of defined width, and memory without views go the second way only.
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

#define COHERENT_BLOCK_DIRECT SZ_1M
#define COHERENT_BLOCK SZ_64K
#define COHERENT_BLOCK_SMALL 64

/* Why a block did not move, and may yet. */
enum {
	COHERENT_RW_UNREADY = 1, /* the memory is not known to be ready */
	COHERENT_RW_UNVIEWED, /* a view is missing */
	COHERENT_RW_MISSED, /* the buffer is not there, or a load failed */
};

/* A block, between the window and @bounce, or directly @buf if that is NULL. */
struct coherent_rw_block {
	u64 offset;
	char __user *buf;
	void *bounce;
	size_t count;
	bool write;
};

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

/* As far as the buffer is there, which shortens the block. */
static int coherent_rw_direct(struct coherent_window *window,
			      struct coherent_rw_block *block)
{
	size_t missed = coherent_window_copy_user(window, block->offset,
						  block->buf, block->count,
						  block->write);

	if (missed == block->count)
		return COHERENT_RW_MISSED;
	block->count -= missed;
	return 0;
}

/* Return: 0, a COHERENT_RW_ reason to try again, or an error. */
static int coherent_rw_try(struct coherent_window *window,
			   struct coherent_rw_block *block)
{
	struct coherent_device *cdev = window->cdev;
	u64 offset = block->offset;
	int ret = 0;

	if (down_read_killable(&cdev->core.memory_lock))
		return -EINTR;
	down_read(&cdev->gate);
	if (!coherent_window_answers(window))
		ret = -EIO;
	else if (coherent_ready_now(cdev) != COHERENT_READY_YES)
		ret = COHERENT_RW_UNREADY;
	else if (coherent_window_clean(window, offset, block->count) <
		 block->count)
		ret = -EIO;
	else if (!coherent_window_viewed(window, offset))
		ret = COHERENT_RW_UNVIEWED;
	else if (block->bounce)
		ret = coherent_window_copy(window, offset, block->bounce,
					   block->count, block->write);
	else
		ret = coherent_rw_direct(window, block);
	up_read(&cdev->gate);
	up_read(&cdev->core.memory_lock);
	return ret;
}

/* Return: 0, COHERENT_RW_MISSED if it was to go directly, or an error. */
static int coherent_rw_move(struct coherent_window *window,
			    struct coherent_rw_block *block)
{
	int ret;

	for (;;) {
		ret = coherent_rw_try(window, block);
		if (ret == COHERENT_RW_UNREADY)
			ret = coherent_ready_wait(window, true);
		else if (ret == COHERENT_RW_UNVIEWED)
			ret = coherent_rw_make_view(window, block->offset);
		else
			return ret;
		if (ret)
			return ret;
	}
}

/*
 * Move a block through its bounce buffer.
 * Return: 0; -EFAULT where the user's buffer ends, which shortens the block; or
 * another error.
 */
static int coherent_rw_bounce(struct coherent_window *window,
			      struct coherent_rw_block *block)
{
	size_t missed = 0;
	int ret = 0;

	if (block->write)
		missed = copy_from_user(block->bounce, block->buf,
					block->count);
	block->count -= missed;
	if (block->count)
		ret = coherent_rw_move(window, block);
	if (ret)
		return ret;
	if (!block->write) {
		missed = copy_to_user(block->buf, block->bounce, block->count);
		block->count -= missed;
	}
	return missed ? -EFAULT : 0;
}

/* How much from @offset on, of @count bytes, is one block: in one view, and good. */
static size_t coherent_rw_block_bytes(struct coherent_window *window,
				      u64 offset, size_t count)
{
	count = coherent_window_reach(window, offset, count);
	/* Starting with what failed, it is for the block to refuse. */
	return coherent_window_clean(window, offset, count) ?: count;
}

static ssize_t coherent_rw_memory(struct coherent_window *window,
				  char __user *buf, size_t count, u64 offset,
				  bool write)
{
	bool direct = coherent_window_direct(window);
	size_t most = direct ? COHERENT_BLOCK_DIRECT : COHERENT_BLOCK;
	u8 small[COHERENT_BLOCK_SMALL];
	void *bounce = count > sizeof(small) ? NULL : small;
	size_t done = 0;
	int ret = 0;

	while (done < count && !ret) {
		struct coherent_rw_block block = {
			.offset = offset + done,
			.buf = buf + done,
			.count = coherent_rw_block_bytes(window, offset + done,
							 min(count - done,
							     most)),
			.write = write,
		};

		ret = COHERENT_RW_MISSED;
		if (direct)
			ret = coherent_rw_move(window, &block);
		if (ret == COHERENT_RW_MISSED) {
			block.count = min_t(size_t, block.count,
					    COHERENT_BLOCK);
			if (!bounce)
				bounce = kvmalloc(min_t(size_t, count,
							COHERENT_BLOCK),
						  GFP_KERNEL_ACCOUNT);
			block.bounce = bounce;
			ret = bounce ? coherent_rw_bounce(window, &block) :
				       -ENOMEM;
		}
		if (!ret || ret == -EFAULT)
			done += block.count;
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}

	if (bounce != small)
		kvfree(bounce);
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
		size_t missed;
		bool answers;

		if (down_read_killable(&cdev->core.memory_lock))
			return done ?: -EINTR;
		answers = coherent_window_answers(window);
		up_read(&cdev->core.memory_lock);
		if (!answers)
			return done ?: -EIO;
		if (write)
			return count;
		missed = copy_to_user(buf + done, coherent_ones, now);
		done += now - missed;
		if (missed)
			return done ?: -EFAULT;

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

	/*
	 * Who enters low power after this look forgets what is known when done, and
	 * lets the function sleep only then.
	 */
	low_power = core->pm_runtime_engaged;
	ret = pm_runtime_resume_and_get(&core->pdev->dev);
	if (ret) {
		pci_info_ratelimited(core->pdev,
				     "region %u: access: runtime resume failed: %d\n",
				     window->index, ret);
		return -EIO;
	}

	/* Between accesses the function sleeps, and may forget its training. */
	if (low_power)
		coherent_forget(window->cdev);
	done = coherent_rw_parts(window, buf, offset, &access, write);
	/*
	 * Also if low power was entered meanwhile: the function sleeps from now
	 * on. Who enters it after this look forgets what was learned before.
	 */
	low_power = low_power || core->pm_runtime_engaged;
	if (low_power)
		coherent_forget(window->cdev);
	pm_runtime_put(&core->pdev->dev);
	if (done > 0)
		*ppos += done;
	return done;
}
