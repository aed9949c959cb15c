// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory as the device sees it, and who writes to it too early.
 *
 * Device memory is RAM that the kernel was told not to know. While it is not
 * ready the hardware answers reads with ~0 and drops writes. RAM cannot be made
 * to do that, but patches of it can be played: the first 64 KiB of the memory
 * and of its last GiB (where windows begin), the last 64 KiB, and a page at
 * every eighth. When readiness is lost their contents are kept aside and
 * replaced by ~0; when it comes back so do they, and every byte that is not ~0
 * any more was written too early, which on real hardware is a corrected RAS
 * event. An early read finds ~0. What is not noticed: accesses elsewhere, reads
 * as such, writes of 0xFF, and who it was. ras.c watches mappings in addition.
 *
 * Kernel mappings: on x86 the kernel keeps one memory type for each physical
 * page, so that a cacheable mapping of ours could change or refuse what a
 * driver asks for. vmap_pfn() goes past those books and is used where the
 * kernel has it. Else memremap() is, with the type that no later request can
 * conflict with: write-combining. The file `memory` maps what it copies and
 * unmaps it at once.
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include <linux/fs.h>
#include <linux/io.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "sim.h"

#define SIM_PATCH_BYTES SZ_64K
#define SIM_PIECE SZ_64K
#define SIM_SPREAD 8
#define SIM_PART SZ_16M
#define SIM_SMALL SZ_2G

static void *sim_memory_vmap(u64 phys, size_t bytes)
{
	unsigned int n = bytes >> PAGE_SHIFT, i;
	unsigned long *pfns;
	void *map;

	pfns = kmalloc_array(n, sizeof(*pfns), GFP_KERNEL);
	if (!pfns)
		return NULL;
	for (i = 0; i < n; i++)
		pfns[i] = (phys >> PAGE_SHIFT) + i;
	map = vmap_pfn(pfns, n, PAGE_KERNEL);
	kfree(pfns);
	return map;
}

static void *sim_memory_remap(u64 phys, size_t bytes)
{
	void *map = NULL;

	sim_ras_own(true);
	if (IS_ENABLED(CONFIG_X86_PAT))
		map = memremap(phys, bytes, MEMREMAP_WC);
	if (!map)
		map = memremap(phys, bytes, MEMREMAP_WB);
	sim_ras_own(false);
	return map;
}

/* Whole pages of device memory. */
static void *sim_memory_map(struct sim_gpu *gpu, u64 offset, size_t bytes)
{
	if (IS_ENABLED(CONFIG_VMAP_PFN))
		return sim_memory_vmap(gpu->mem_base + offset, bytes);
	return sim_memory_remap(gpu->mem_base + offset, bytes);
}

static void sim_memory_unmap(void *map)
{
	if (IS_ENABLED(CONFIG_VMAP_PFN))
		vunmap(map);
	else
		memunmap(map);
}

/* Contents are put aside: from now on the hardware answers. */
void sim_memory_cover(struct sim_gpu *gpu)
{
	unsigned int i;

	lockdep_assert_held(&gpu->lock);

	if (gpu->covered)
		return;
	for (i = 0; i < gpu->n_patches; i++) {
		struct sim_patch *patch = &gpu->patches[i];

		memcpy(patch->kept, patch->map, patch->bytes);
		memset(patch->map, 0xFF, patch->bytes);
	}
	gpu->covered = true;
}

void sim_memory_uncover(struct sim_gpu *gpu)
{
	unsigned int i;

	lockdep_assert_held(&gpu->lock);

	if (!gpu->covered)
		return;
	for (i = 0; i < gpu->n_patches; i++) {
		struct sim_patch *patch = &gpu->patches[i];
		u8 *found = memchr_inv(patch->map, 0xFF, patch->bytes);

		if (found) {
			gpu->ras[SIM_RAS_WRITTEN]++;
			SIM_RAS_LOG(gpu, "written",
				    patch->offset + (found - (u8 *)patch->map));
		}
		memcpy(patch->map, patch->kept, patch->bytes);
	}
	gpu->covered = false;
}

/* A page that was never touched stays so: the host has nothing behind it. */
static void sim_memory_zero(void *at, size_t bytes)
{
	size_t piece;

	for (; bytes; at += piece, bytes -= piece) {
		piece = min_t(size_t, bytes, PAGE_SIZE);
		if (memchr_inv(at, 0, piece))
			memset(at, 0, piece);
	}
}

/*
 * Copy between @buf and @map, which is device memory at @offset; what is
 * covered there is kept elsewhere.
 */
static void sim_memory_copy(struct sim_gpu *gpu, void *map, u64 offset,
			    void *buf, size_t bytes, bool write)
{
	struct sim_patch *patch;
	unsigned int i;

	lockdep_assert_held(&gpu->lock);

	while (bytes) {
		size_t piece = bytes;
		void *at = map;

		for (i = 0; gpu->covered && i < gpu->n_patches; i++) {
			patch = &gpu->patches[i];
			if (offset >= patch->offset + patch->bytes)
				continue;
			if (offset < patch->offset) {
				piece = min_t(u64, piece,
					      patch->offset - offset);
				continue;
			}
			at = patch->kept + (offset - patch->offset);
			piece = min_t(u64, piece, patch->offset +
						  patch->bytes - offset);
			break;
		}
		if (!buf)
			sim_memory_zero(at, piece);
		else if (write)
			memcpy(at, buf, piece);
		else
			memcpy(buf, at, piece);
		if (buf)
			buf += piece;
		map += piece;
		offset += piece;
		bytes -= piece;
	}
}

/* At most SIM_PIECE bytes of @map; no @buf: clear. */
static void sim_memory_copy_piece(struct sim_gpu *gpu, void *map, u64 offset,
				  void *buf, size_t bytes, bool write)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&gpu->lock, flags);
	sim_memory_copy(gpu, map, offset, buf, bytes, write);
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
}

/* At most SIM_PIECE bytes. */
static int sim_memory_io(struct sim_gpu *gpu, u64 offset, void *buf,
			 size_t bytes, bool write)
{
	size_t page = offset & ~PAGE_MASK;
	void *map;

	map = sim_memory_map(gpu, offset - page, PAGE_ALIGN(page + bytes));
	if (!map)
		return -ENOMEM;
	sim_memory_copy_piece(gpu, map + page, offset, buf, bytes, write);
	sim_memory_unmap(map);
	return 0;
}

/* Whole pages. */
static int sim_memory_clear_part(struct sim_gpu *gpu, u64 offset, size_t bytes,
				 u64 round)
{
	size_t done = 0, piece;
	void *map;

	map = sim_memory_map(gpu, offset, bytes);
	if (!map)
		return -ENOMEM;
	for (; done < bytes && READ_ONCE(gpu->round) == round; done += piece) {
		piece = min_t(size_t, bytes - done, SIM_PIECE);
		sim_memory_copy_piece(gpu, map + done, offset + done, NULL,
				      piece, true);
		cond_resched();
	}
	sim_memory_unmap(map);
	/* Else the next part is elsewhere, and its page tables stay for good. */
	vm_unmap_aliases();
	return 0;
}

static int sim_memory_clear(struct sim_gpu *gpu, u64 from, u64 bytes, u64 round)
{
	u64 end = min(from + bytes, gpu->mem_size);
	int ret = 0;

	while (!ret && from < end && READ_ONCE(gpu->round) == round) {
		bytes = min_t(u64, end - from, SIM_PART);
		ret = sim_memory_clear_part(gpu, from, bytes, round);
		from += bytes;
	}
	return ret;
}

/*
 * Clear memory before a training ends: all of it, or of a large one 16 MiB where
 * windows begin and at the end, because reading all of it would take minutes.
 */
int sim_memory_scrub(struct sim_gpu *gpu, u64 round)
{
	u64 size = gpu->mem_size;
	int ret;

	if (gpu->scrub == SIM_SCRUB_ALL || size <= SIM_SMALL)
		return sim_memory_clear(gpu, 0, size, round);
	ret = sim_memory_clear(gpu, 0, SIM_PART, round);
	if (!ret && size > SZ_1G)
		ret = sim_memory_clear(gpu, size - SZ_1G, SIM_PART, round);
	if (!ret)
		ret = sim_memory_clear(gpu, size - SIM_PART, SIM_PART, round);
	return ret;
}

static int sim_memory_watch(struct sim_gpu *gpu, u64 offset, size_t bytes)
{
	struct sim_patch *patch = &gpu->patches[gpu->n_patches];
	unsigned int i;

	offset = ALIGN_DOWN(offset, PAGE_SIZE);
	if (offset + bytes > gpu->mem_size)
		return 0;
	for (i = 0; i < gpu->n_patches; i++) {
		if (offset < gpu->patches[i].offset + gpu->patches[i].bytes &&
		    gpu->patches[i].offset < offset + bytes)
			return 0;
	}
	patch->offset = offset;
	patch->bytes = bytes;
	patch->kept = kvmalloc(bytes, GFP_KERNEL);
	patch->map = sim_memory_map(gpu, offset, bytes);
	gpu->n_patches++;
	return patch->kept && patch->map ? 0 : -ENOMEM;
}

/* Does a word of memory keep what is written to it? */
static int sim_memory_probe(struct sim_gpu *gpu, u64 offset)
{
	u64 was, now, want = 0x636f68677075ULL ^ offset;
	int ret;

	ret = sim_memory_io(gpu, offset, &was, sizeof(was), false);
	if (!ret)
		ret = sim_memory_io(gpu, offset, &want, sizeof(want), true);
	if (!ret)
		ret = sim_memory_io(gpu, offset, &now, sizeof(now), false);
	if (!ret)
		ret = sim_memory_io(gpu, offset, &was, sizeof(was), true);
	if (ret || now == want)
		return ret;
	pr_err("%s: mem_base %#llx, mem_size %#llx: enable: must be memory, and at %#llx there is none\n",
	       sim_name(gpu), gpu->mem_base, gpu->mem_size,
	       gpu->mem_base + offset);
	return -ENXIO;
}

int sim_memory_start(struct sim_gpu *gpu)
{
	u64 size = gpu->mem_size;
	unsigned int i;
	int ret;

	gpu->n_patches = 0;
	gpu->covered = false;
	ret = sim_memory_probe(gpu, size - sizeof(u64));
	if (!ret)
		ret = sim_memory_probe(gpu, 0);
	if (!ret)
		ret = sim_memory_watch(gpu, 0, SIM_PATCH_BYTES);
	if (!ret && size > SZ_1G)
		ret = sim_memory_watch(gpu, size - SZ_1G, SIM_PATCH_BYTES);
	if (!ret && size > SIM_PATCH_BYTES)
		ret = sim_memory_watch(gpu, size - SIM_PATCH_BYTES,
				       SIM_PATCH_BYTES);
	for (i = 1; !ret && i < SIM_SPREAD; i++)
		ret = sim_memory_watch(gpu, div_u64(size, SIM_SPREAD) * i,
				       PAGE_SIZE);
	if (ret)
		sim_memory_stop(gpu);
	return ret;
}

void sim_memory_stop(struct sim_gpu *gpu)
{
	unsigned int i;

	for (i = 0; i < gpu->n_patches; i++) {
		if (gpu->patches[i].map)
			sim_memory_unmap(gpu->patches[i].map);
		kvfree(gpu->patches[i].kept);
	}
	gpu->n_patches = 0;
}

/* User memory is touched with no lock held: it may be anything. */
static ssize_t sim_memory_piece(struct sim_gpu *gpu, u64 offset, void *bounce,
				size_t bytes, bool write)
{
	ssize_t ret = -ENODEV;

	down_read(&gpu->alive);
	if (gpu->enabled) {
		if (offset >= gpu->mem_size) {
			ret = 0;
		} else {
			bytes = min_t(u64, bytes, gpu->mem_size - offset);
			ret = sim_memory_io(gpu, offset, bounce, bytes, write);
			ret = ret ?: bytes;
		}
	}
	up_read(&gpu->alive);
	return ret;
}

static ssize_t sim_memory_rw(struct file *file, char __user *buf, size_t count,
			     loff_t *ppos, bool write)
{
	struct sim_gpu *gpu = file->private_data;
	ssize_t ret = 0, done = 0;
	void *bounce;

	bounce = kvmalloc(SIM_PIECE, GFP_KERNEL);
	if (!bounce)
		return -ENOMEM;
	while (done < count) {
		size_t piece = min_t(size_t, count - done, SIM_PIECE);

		if (write && copy_from_user(bounce, buf + done, piece)) {
			ret = -EFAULT;
			break;
		}
		ret = sim_memory_piece(gpu, *ppos, bounce, piece, write);
		if (ret <= 0)
			break;
		if (!write && copy_to_user(buf + done, bounce, ret)) {
			ret = -EFAULT;
			break;
		}
		done += ret;
		*ppos += ret;
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
	}
	kvfree(bounce);
	return done ?: ret;
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

	return done || !count ? done : -ENOSPC;
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
