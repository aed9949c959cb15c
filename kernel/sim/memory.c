// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory as the device sees it, and who touches it too early.
 *
 * Device memory is RAM that the kernel was told not to know. While it is not
 * ready the hardware answers reads with ~0 and drops writes. RAM cannot be made
 * to do that, but two patches of it can be played: the first 64 KiB of the
 * memory, and the first 64 KiB of its last GiB. When readiness is lost their
 * contents are kept aside and replaced by ~0; when it is reached they are put
 * back, and every byte that is no longer ~0 was written too early: a corrected
 * RAS event, on real hardware. An early read finds ~0 instead of the contents.
 * Accesses elsewhere are not noticed.
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

int sim_memory_start(struct sim_gpu *gpu)
{
	const u64 offsets[SIM_PATCHES] = {
		0, gpu->mem_size > SZ_1G ? gpu->mem_size - SZ_1G : 0,
	};
	unsigned int i;

	for (i = 0; i < SIM_PATCHES; i++) {
		if (i && !offsets[i])
			break;
		gpu->patches[i].kept = kvzalloc(SIM_PATCH_BYTES, GFP_KERNEL);
		gpu->patches[i].at = memremap(gpu->mem_base + offsets[i],
					      SIM_PATCH_BYTES, MEMREMAP_WB);
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

static ssize_t sim_memory_rw(struct file *file, char __user *buf, size_t count,
			     loff_t *ppos, bool write)
{
	struct sim_gpu *gpu = file->private_data;
	size_t page = *ppos & ~PAGE_MASK;
	unsigned long missed;
	void *at;

	if (*ppos < 0 || *ppos >= gpu->mem_size)
		return 0;
	count = min_t(u64, count, gpu->mem_size - *ppos);
	count = min_t(size_t, count, SZ_1M - page);
	at = memremap(gpu->mem_base + *ppos - page, count + page, MEMREMAP_WB);
	if (!at)
		return -ENOMEM;
	missed = write ? copy_from_user(at + page, buf, count) :
			 copy_to_user(buf, at + page, count);
	memunmap(at);
	count -= missed;
	*ppos += count;
	return count ?: -EFAULT;
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
