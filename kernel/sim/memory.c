// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory as the device sees it, and who touches it too early.
 *
 * Device memory is RAM that the kernel was told not to know. While it is not
 * ready the hardware answers reads with ~0 and drops writes. RAM cannot be made
 * to do that, but two patches of it can be played: the first 64 KiB of the
 * memory, and the first 64 KiB of what a GPU with the MIG bug has its guests
 * map uncached. When readiness is lost their contents are kept aside and
 * replaced by ~0; when it is reached they are put back, and every byte that is
 * no longer ~0 was written too early: a corrected RAS event, on real hardware.
 * An early read finds ~0 instead of the contents. Accesses elsewhere are not
 * noticed. The device itself always sees the contents.
 *
 * x86 insists that all mappings of a page agree in their cache attribute. So
 * the uncached part is mapped write-combining here, too.
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include <linux/fs.h>
#include <linux/io.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "sim.h"

/* Contents are put aside: from now on the hardware answers. */
void sim_memory_cover(struct sim_gpu *gpu)
{
	unsigned int i;

	lockdep_assert_held(&gpu->lock);

	for (i = 0; i < SIM_PATCHES; i++) {
		if (!gpu->patches[i].at)
			continue;
		memcpy(gpu->patches[i].kept, gpu->patches[i].at,
		       SIM_PATCH_BYTES);
		memset(gpu->patches[i].at, 0xFF, SIM_PATCH_BYTES);
	}
}

void sim_memory_uncover(struct sim_gpu *gpu)
{
	unsigned int i;

	lockdep_assert_held(&gpu->lock);

	for (i = 0; i < SIM_PATCHES; i++) {
		if (!gpu->patches[i].at)
			continue;
		if (memchr_inv(gpu->patches[i].at, 0xFF, SIM_PATCH_BYTES)) {
			gpu->ras_events++;
			pr_info_ratelimited("%s: corrected RAS event: memory written before it was ready\n",
					    gpu->group.cg_item.ci_name);
		}
		if (gpu->scrub)
			memset(gpu->patches[i].kept, 0, SIM_PATCH_BYTES);
		memcpy(gpu->patches[i].at, gpu->patches[i].kept,
		       SIM_PATCH_BYTES);
	}
}

/* Where the part begins that is mapped uncached; the size if there is none. */
static u64 sim_memory_uncached(struct sim_gpu *gpu)
{
	if (gpu->preset->mig_fixed || gpu->mem_size <= SZ_1G)
		return gpu->mem_size;
	return rounddown(gpu->mem_size - SZ_1G, SZ_512M);
}

static void *sim_memory_map(struct sim_gpu *gpu, u64 offset, size_t bytes)
{
	return memremap(gpu->mem_base + offset, bytes,
			offset < sim_memory_uncached(gpu) ? MEMREMAP_WB :
							    MEMREMAP_WC);
}

int sim_memory_start(struct sim_gpu *gpu)
{
	const u64 offsets[SIM_PATCHES] = { 0, sim_memory_uncached(gpu) };
	unsigned int i;

	for (i = 0; i < SIM_PATCHES; i++) {
		if (offsets[i] >= gpu->mem_size ||
		    (i && offsets[i] < SIM_PATCH_BYTES))
			break;
		gpu->patches[i].offset = offsets[i];
		gpu->patches[i].kept = kvzalloc(SIM_PATCH_BYTES, GFP_KERNEL);
		gpu->patches[i].at = sim_memory_map(gpu, offsets[i],
						    SIM_PATCH_BYTES);
		if (!gpu->patches[i].kept || !gpu->patches[i].at) {
			sim_memory_stop(gpu);
			return -ENOMEM;
		}
	}
	return 0;
}

void sim_memory_stop(struct sim_gpu *gpu)
{
	unsigned int i;

	for (i = 0; i < SIM_PATCHES; i++) {
		if (gpu->patches[i].at)
			memunmap(gpu->patches[i].at);
		kvfree(gpu->patches[i].kept);
		gpu->patches[i].at = NULL;
		gpu->patches[i].kept = NULL;
	}
}

/* Bytes from @offset on that lie in one patch, or outside of all. */
static size_t sim_memory_reach(struct sim_gpu *gpu, u64 offset, size_t count,
			       struct sim_patch **in)
{
	u64 end = offset + count;
	unsigned int i;

	*in = NULL;
	for (i = 0; i < SIM_PATCHES; i++) {
		struct sim_patch *patch = &gpu->patches[i];

		if (!patch->at)
			continue;
		if (offset < patch->offset) {
			end = min(end, patch->offset);
		} else if (offset < patch->offset + SIM_PATCH_BYTES) {
			end = min(end, patch->offset + SIM_PATCH_BYTES);
			*in = patch;
		}
	}
	return end - offset;
}

/* Copy between a bounce buffer and device memory, covered or not. */
static int sim_memory_copy(struct sim_gpu *gpu, u64 offset, void *bytes,
			   size_t count, struct sim_patch *patch, bool write)
{
	size_t page = offset & ~PAGE_MASK;
	void *map = NULL, *at;
	unsigned long flags;

	if (!patch) {
		map = sim_memory_map(gpu, offset - page, count + page);
		if (!map)
			return -ENOMEM;
	}
	raw_spin_lock_irqsave(&gpu->lock, flags);
	if (!patch)
		at = map + page;
	else
		at = (gpu->ready ? patch->at : patch->kept) +
		     (offset - patch->offset);
	if (write)
		memcpy(at, bytes, count);
	else
		memcpy(bytes, at, count);
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
	if (map)
		memunmap(map);
	return 0;
}

static ssize_t sim_memory_rw(struct file *file, char __user *buf, size_t count,
			     loff_t *ppos, bool write)
{
	struct sim_gpu *gpu = file->private_data;
	struct sim_patch *patch;
	void *bounce;
	ssize_t ret;

	if (*ppos < 0 || *ppos >= gpu->mem_size)
		return 0;
	count = min_t(u64, count, gpu->mem_size - *ppos);
	count = min_t(size_t, count, SIM_PATCH_BYTES);
	count = sim_memory_reach(gpu, *ppos, count, &patch);
	bounce = kvmalloc(count, GFP_KERNEL);
	if (!bounce)
		return -ENOMEM;

	ret = -EFAULT;
	if (write && copy_from_user(bounce, buf, count))
		goto out;
	ret = sim_memory_copy(gpu, *ppos, bounce, count, patch, write);
	if (ret)
		goto out;
	ret = -EFAULT;
	if (!write && copy_to_user(buf, bounce, count))
		goto out;
	*ppos += count;
	ret = count;
out:
	kvfree(bounce);
	return ret;
}

static ssize_t sim_memory_read(struct file *file, char __user *buf,
			       size_t count, loff_t *ppos)
{
	return sim_memory_rw(file, buf, count, ppos, false);
}

static ssize_t sim_memory_write(struct file *file, const char __user *buf,
				size_t count, loff_t *ppos)
{
	ssize_t done = sim_memory_rw(file, (char __user *)buf, count, ppos,
				     true);

	return done ?: -ENOSPC;
}

static loff_t sim_memory_seek(struct file *file, loff_t offset, int whence)
{
	struct sim_gpu *gpu = file->private_data;

	return fixed_size_llseek(file, offset, whence, gpu->mem_size);
}

const struct file_operations sim_memory_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = sim_memory_read,
	.write = sim_memory_write,
	.llseek = sim_memory_seek,
};
