// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a write to config space does to windows.
 *
 * The core may turn the function's memory off, put the function to sleep, or
 * wake it up with its memory untrained: afterwards, we look.
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

static void coherent_config_woken_locked(struct coherent_device *cdev)
{
	lockdep_assert_held(&cdev->power_lock);

	if (!cdev->slept || coherent_config_asleep(cdev))
		return;
	cdev->slept = false;
	coherent_reset_end(cdev);
}

/*
 * After what may have woken the function: also a reset does, even one that then
 * could not start.
 */
void coherent_config_woken(struct coherent_device *cdev)
{
	mutex_lock(&cdev->power_lock);
	coherent_config_woken_locked(cdev);
	mutex_unlock(&cdev->power_lock);
}

/* A write that may change the power state, by which the GPU may be reset. */
static ssize_t coherent_config_power(struct coherent_device *cdev,
				     const char __user *buf, size_t count,
				     loff_t *ppos)
{
	struct vfio_pci_core_device *core = &cdev->core;
	bool asleep_before;
	ssize_t done;

	if (mutex_lock_killable(&cdev->power_lock))
		return -EINTR;

	asleep_before = coherent_config_asleep(cdev);
	done = vfio_pci_core_write(&core->vdev, buf, count, ppos);

	/* Without NoSoftRst, leaving D3hot is a reset. */
	if (core->needs_pm_restore && !asleep_before &&
	    coherent_config_asleep(cdev)) {
		cdev->slept = true;
		coherent_reset_begin(cdev);
	}
	coherent_config_woken_locked(cdev);
	mutex_unlock(&cdev->power_lock);
	return done;
}

/**
 * coherent_config_write() - write to config space
 * @cdev: the device, open
 * @buf: where the bytes are
 * @count: bytes
 * @ppos: region index and offset; advanced by what was written
 *
 * Return: as the core's.
 */
ssize_t coherent_config_write(struct coherent_device *cdev,
			      const char __user *buf, size_t count,
			      loff_t *ppos)
{
	struct pci_dev *pdev = cdev->core.pdev;
	u64 offset = *ppos & VFIO_PCI_OFFSET_MASK;
	u64 control = pdev->pm_cap + PCI_PM_CTRL;
	ssize_t done;

	if (pdev->pm_cap && offset < control + sizeof(u16) &&
	    offset + count > control)
		done = coherent_config_power(cdev, buf, count, ppos);
	else
		done = vfio_pci_core_write(&cdev->core.vdev, buf, count, ppos);
	coherent_zap_if_silent(cdev);
	return done;
}
COHERENT_EXPORT(coherent_config_write);
