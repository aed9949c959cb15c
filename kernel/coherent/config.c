// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a write to config space does to windows.
 *
 * The core may turn the function's memory off, put the function to sleep, or
 * wake it up with its memory untrained: afterwards, we look (see reset.c).
 */
#include <linux/module.h>
#include <linux/pci.h>

#include "coherent/window.h"

static bool coherent_config_asleep(struct coherent_device *cdev)
{
	bool asleep;

	down_read(&cdev->core.memory_lock);
	asleep = coherent_asleep(cdev->core.pdev);
	up_read(&cdev->core.memory_lock);
	return asleep;
}

/*
 * A write that may change the power state. Two of them could put the function
 * to sleep and wake it before either looks, so they take turns.
 */
static ssize_t coherent_config_power(struct coherent_device *cdev,
				     const char __user *buf, size_t count,
				     loff_t *ppos)
{
	struct vfio_pci_core_device *core = &cdev->core;
	ssize_t done;

	if (mutex_lock_killable(&cdev->power_lock))
		return -EINTR;
	done = vfio_pci_core_write(&core->vdev, buf, count, ppos);
	/* Without NoSoftRst, leaving D3hot is a reset. */
	if (core->needs_pm_restore && coherent_config_asleep(cdev))
		coherent_slept(cdev);
	coherent_woken(cdev);
	mutex_unlock(&cdev->power_lock);
	return done;
}

/* After what may have made the function silent: zap what the core has not. */
static void coherent_config_silenced(struct coherent_device *cdev)
{
	unsigned int i;
	bool answers;

	down_read(&cdev->core.memory_lock);
	answers = coherent_answers(cdev) && !cdev->core.pm_runtime_engaged;
	up_read(&cdev->core.memory_lock);
	for (i = 0; i < cdev->nr_windows && !answers; i++)
		if (!coherent_inode_zapped(&cdev->windows[i]))
			coherent_window_zap(&cdev->windows[i]);
}

/* Do @count bytes at @offset hold some of the register's two? */
static bool coherent_config_holds(u64 offset, size_t count, u64 control)
{
	return offset < control + sizeof(u16) && offset + count > control;
}

/* May a write of @count bytes at @offset change the power state? */
static bool coherent_config_is_power(struct coherent_device *cdev, u64 offset,
				     size_t count)
{
	u8 pm_cap = cdev->core.pdev->pm_cap;

	return pm_cap &&
	       coherent_config_holds(offset, count, pm_cap + PCI_PM_CTRL);
}

/* How many bytes at @offset the core takes at a time. */
static size_t coherent_config_chunk(u64 offset, size_t count)
{
	if (count >= sizeof(u32) && IS_ALIGNED(offset, sizeof(u32)))
		return sizeof(u32);
	if (count >= sizeof(u16) && IS_ALIGNED(offset, sizeof(u16)))
		return sizeof(u16);
	return 1;
}

static ssize_t coherent_config_write_chunk(struct coherent_device *cdev,
					   const char __user *buf, size_t count,
					   loff_t *ppos)
{
	u64 offset = *ppos & VFIO_PCI_OFFSET_MASK;
	bool power = coherent_config_is_power(cdev, offset, count);
	ssize_t done;

	if (power)
		done = coherent_config_power(cdev, buf, count, ppos);
	else
		done = vfio_pci_core_write(&cdev->core.vdev, buf, count, ppos);
	if (power || coherent_config_holds(offset, count, PCI_COMMAND))
		coherent_config_silenced(cdev);
	return done;
}

/* Apart from what follows, which wants no stack for it. */
static noinline ssize_t coherent_config_write_chunks(struct coherent_device *cdev,
						     const char __user *buf,
						     size_t count, loff_t *ppos)
{
	ssize_t ret = 0;
	size_t done = 0;

	while (done < count) {
		ret = coherent_config_write_chunk(cdev, buf + done,
						  coherent_config_chunk(*ppos, count - done),
						  ppos);
		if (ret <= 0)
			break;
		done += ret;
	}
	return done ?: ret;
}

/* One chunk, of registers that neither silence the function nor wake it, for sure? */
static bool coherent_config_plain(struct coherent_device *cdev, u64 offset,
				  size_t count)
{
	return offset >= PCI_COMMAND + sizeof(u16) &&
	       coherent_config_chunk(offset, count) == count &&
	       !coherent_config_is_power(cdev, offset, count);
}

/**
 * coherent_config_write() - write to config space
 * @cdev: the device, open
 * @buf: where the bytes are
 * @count: bytes
 * @ppos: region index and offset; advanced by what was written
 *
 * Given in chunks, which the core makes of it anyway: when it fails at one, it
 * does not say how many went before.
 *
 * Return: bytes written, or the core's error.
 */
ssize_t coherent_config_write(struct coherent_device *cdev,
			      const char __user *buf, size_t count,
			      loff_t *ppos)
{
	/* As most are. */
	if (coherent_config_plain(cdev, *ppos & VFIO_PCI_OFFSET_MASK, count))
		return vfio_pci_core_write(&cdev->core.vdev, buf, count, ppos);
	return coherent_config_write_chunks(cdev, buf, count, ppos);
}
COHERENT_EXPORT(coherent_config_write);
