// SPDX-License-Identifier: GPL-2.0-only
/*
 * Config space: the core's, with emulated registers for the windows' BARs.
 *
 *	0x18..0x1F  BAR2: resmem, or the real BAR where there is no resmem
 *	0x20..0x27  BAR4: usemem
 *
 * An access of any length and start is cut at the ends of these registers, and
 * every piece is served by its owner, in order, so the count returned is that
 * of the leading bytes that were really done. User memory is copied before a
 * register is written and after it was read, never under bar_lock.
 */
#include <linux/module.h>
#include <linux/uaccess.h>

#include "grace/grace.h"

static const u64 nvgrace_config_cuts[] = {
	PCI_BASE_ADDRESS_2,
	PCI_BASE_ADDRESS_4,
	PCI_BASE_ADDRESS_4 + COHERENT_BAR_BYTES,
};

void nvgrace_config_init(struct nvgrace_device *nvdev)
{
	spin_lock_init(&nvdev->bar_lock);
	coherent_bar_init(&nvdev->usemem_bar, nvdev->split.head.bar_size);
	coherent_bar_init(&nvdev->resmem_bar, nvdev->split.tail.bar_size);
}

void nvgrace_config_reset(struct nvgrace_device *nvdev)
{
	spin_lock(&nvdev->bar_lock);
	nvdev->usemem_before = nvdev->usemem_bar.address;
	nvdev->resmem_before = nvdev->resmem_bar.address;
	coherent_bar_reset(&nvdev->usemem_bar);
	coherent_bar_reset(&nvdev->resmem_bar);
	spin_unlock(&nvdev->bar_lock);
}

/* The last reset was none; a register written since keeps what was written. */
void nvgrace_config_undo_reset(struct nvgrace_device *nvdev)
{
	spin_lock(&nvdev->bar_lock);
	if (!nvdev->usemem_bar.address)
		nvdev->usemem_bar.address = nvdev->usemem_before;
	if (!nvdev->resmem_bar.address)
		nvdev->resmem_bar.address = nvdev->resmem_before;
	spin_unlock(&nvdev->bar_lock);
}

/* The emulated register that holds the byte at @offset, or NULL. */
static struct coherent_bar *nvgrace_config_bar(struct nvgrace_device *nvdev,
					       u64 offset, unsigned int *byte)
{
	*byte = offset % COHERENT_BAR_BYTES;
	switch (offset - *byte) {
	case PCI_BASE_ADDRESS_2:
		return nvdev->split.tail.length ? &nvdev->resmem_bar : NULL;
	case PCI_BASE_ADDRESS_4:
		return &nvdev->usemem_bar;
	default:
		return NULL;
	}
}

/* All or nothing: a piece of a register is at most eight bytes. */
static ssize_t nvgrace_config_bar_rw(struct nvgrace_device *nvdev,
				     struct coherent_bar *bar,
				     unsigned int byte, char __user *buf,
				     size_t count, bool write)
{
	u8 bytes[COHERENT_BAR_BYTES];

	if (write && copy_from_user(bytes, buf, count))
		return -EFAULT;

	spin_lock(&nvdev->bar_lock);
	if (write)
		coherent_bar_write(bar, byte, count, bytes);
	else
		coherent_bar_read(bar, byte, count, bytes);
	spin_unlock(&nvdev->bar_lock);

	if (!write && copy_to_user(buf, bytes, count))
		return -EFAULT;
	return count;
}

/* One piece; moves *@ppos by what was done. */
static ssize_t nvgrace_config_piece(struct nvgrace_device *nvdev,
				    char __user *buf, size_t count,
				    loff_t *ppos, bool write)
{
	unsigned int byte;
	struct coherent_bar *bar;
	ssize_t done;

	/* By a sibling's hot reset, perhaps, or by the piece before. */
	coherent_woken(&nvdev->coherent);
	bar = nvgrace_config_bar(nvdev, *ppos & VFIO_PCI_OFFSET_MASK, &byte);
	if (!bar)
		return write ? coherent_config_write(&nvdev->coherent, buf,
						     count, ppos) :
			       vfio_pci_core_read(&nvdev->coherent.core.vdev,
						  buf, count, ppos);

	done = nvgrace_config_bar_rw(nvdev, bar, byte, buf, count, write);
	if (done > 0)
		*ppos += done;
	return done;
}

/* An access to config space, whatever its length and start. */
ssize_t nvgrace_config_pieces(struct nvgrace_device *nvdev, char __user *buf,
			      size_t count, loff_t *ppos, bool write)
{
	size_t done = 0;

	while (done < count) {
		size_t piece = coherent_span_piece(*ppos & VFIO_PCI_OFFSET_MASK,
						   count - done,
						   nvgrace_config_cuts,
						   ARRAY_SIZE(nvgrace_config_cuts));
		ssize_t ret = nvgrace_config_piece(nvdev, buf + done, piece,
						   ppos, write);

		if (ret <= 0)
			return done ?: ret;
		done += ret;
		if (ret < piece)
			break;
	}
	return done;
}
