// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VFIO PCI device that has windows: its life, and the operations of its VFIO
 * device. What does not concern a window goes to vfio-pci-core.
 *
 * A window is real PCI memory: it answers only while the virtual command
 * register enables memory and the function is below D3hot. That rule is
 * coherent_answers(), and faults, reads and writes all ask it.
 */
#define pr_fmt(fmt) "vfio-coherent: " fmt

#include <linux/module.h>
#include <linux/pci.h>
#include <linux/uaccess.h>

#include "coherent/window.h"
#include "logic/link.h"

#define CREATE_TRACE_POINTS
#include "coherent/trace.h"

/**
 * coherent_init_dev() - initialise, as a &vfio_device_ops.init
 * @core_vdev: the VFIO device, zeroed
 *
 * The driver adds windows and sets &coherent_device.ops afterwards.
 *
 * Return: 0 or an error.
 */
int coherent_init_dev(struct vfio_device *core_vdev)
{
	struct coherent_device *cdev = to_coherent_device(core_vdev);
	int ret;

	init_rwsem(&cdev->gate);
	spin_lock_init(&cdev->ready_lock);
	mutex_init(&cdev->wait_lock);
	mutex_init(&cdev->power_lock);
	mutex_init(&cdev->table_lock);
	coherent_ready_init(&cdev->ready, 0);

	ret = coherent_inode_get(cdev);
	if (ret)
		goto out_locks;
	ret = vfio_pci_core_init_dev(core_vdev);
	if (ret)
		goto out_inode;
	coherent_dmabuf_init(cdev);
	return 0;

out_inode:
	coherent_inode_put(cdev);
out_locks:
	mutex_destroy(&cdev->table_lock);
	mutex_destroy(&cdev->power_lock);
	mutex_destroy(&cdev->wait_lock);
	return ret;
}
COHERENT_EXPORT(coherent_init_dev);

/**
 * coherent_release_dev() - undo coherent_init_dev() and what was added since
 * @core_vdev: the VFIO device
 */
void coherent_release_dev(struct vfio_device *core_vdev)
{
	struct coherent_device *cdev = to_coherent_device(core_vdev);

	while (cdev->nr_windows)
		coherent_window_destroy(&cdev->windows[--cdev->nr_windows]);
	vfio_pci_core_release_dev(core_vdev);
	coherent_inode_put(cdev);
	mutex_destroy(&cdev->table_lock);
	mutex_destroy(&cdev->power_lock);
	mutex_destroy(&cdev->wait_lock);
}
COHERENT_EXPORT(coherent_release_dev);

/**
 * coherent_add_window() - show a part of device memory in a BAR's place, before
 *			   registration
 * @cdev: the device, with at most COHERENT_WINDOWS - 1 windows
 * @index: VFIO region index in whose place it stands
 * @cache: how the CPU maps it
 * @part: where it lies; checked by coherent_split()
 *
 * Return: 0, -ENOMEM, or -EBUSY if the host uses that memory as RAM; the
 * log names it.
 */
int coherent_add_window(struct coherent_device *cdev, unsigned int index,
			enum coherent_cache cache,
			const struct coherent_split_part *part)
{
	struct coherent_window *window = &cdev->windows[cdev->nr_windows];
	int ret;

	window->cdev = cdev;
	window->index = index;
	window->cache = cache;
	window->base = part->base;
	window->length = part->length;
	window->region_size = part->bar_size;
	ret = coherent_window_init(window);
	if (ret)
		return ret;

	cdev->nr_windows++;
	return 0;
}
COHERENT_EXPORT(coherent_add_window);

/**
 * coherent_find_window() - the window in a BAR's place
 * @cdev: the device
 * @index: VFIO region index
 *
 * Return: the window, or NULL.
 */
struct coherent_window *coherent_find_window(struct coherent_device *cdev,
					     unsigned int index)
{
	unsigned int i;

	for (i = 0; i < cdev->nr_windows; i++) {
		if (!cdev->windows[i].region && cdev->windows[i].index == index)
			return &cdev->windows[i];
	}
	return NULL;
}
COHERENT_EXPORT(coherent_find_window);

/**
 * coherent_open() - the device is being opened; nothing is known of its memory
 * @cdev: the device
 */
void coherent_open(struct coherent_device *cdev)
{
	if (!cdev->nr_windows)
		return;
	coherent_dmabuf_open(cdev);
	coherent_forget(cdev);
	coherent_woken(cdev);
}
COHERENT_EXPORT(coherent_open);

/**
 * coherent_close() - the last file is gone: give up what was made since open
 * @cdev: the device
 */
void coherent_close(struct coherent_device *cdev)
{
	/* The core resets the function next, and may send it to sleep. */
	coherent_forget(cdev);
	coherent_dmabuf_close(cdev);
}
COHERENT_EXPORT(coherent_close);

/**
 * coherent_answers() - does the function answer accesses to its memory?
 * @cdev: the device, open; its memory_lock is held
 *
 * Return: true if memory is enabled, the function is there and below D3hot, and
 * no fatal error of its link is being recovered from.
 */
bool coherent_answers(struct coherent_device *cdev)
{
	struct vfio_pci_core_device *core = &cdev->core;
	u16 command = le16_to_cpup((__le16 *)(core->vconfig + PCI_COMMAND));

	lockdep_assert_held(&core->memory_lock);

	if (pci_dev_is_disconnected(core->pdev) ||
	    coherent_asleep(core->pdev) || READ_ONCE(cdev->frozen))
		return false;
	return core->pdev->no_command_memory || command & PCI_COMMAND_MEMORY;
}
COHERENT_EXPORT(coherent_answers);

/* The same for what a window shows, which need not be the function's memory. */
bool coherent_window_answers(struct coherent_window *window)
{
	struct coherent_device *cdev = window->cdev;

	if (window->region && window->region->undecoded)
		return !pci_dev_is_disconnected(cdev->core.pdev);
	return coherent_answers(cdev);
}

/* Take away the mappings of all windows. */
void coherent_zap(struct coherent_device *cdev)
{
	unsigned int i;

	for (i = 0; i < cdev->nr_windows; i++)
		coherent_window_zap(&cdev->windows[i]);
}

/**
 * coherent_read() - a &vfio_device_ops.read
 * @core_vdev: the device
 * @buf: where the bytes go
 * @count: bytes
 * @ppos: region index and offset; advanced by what was read
 *
 * Return: bytes read, or an error.
 */
ssize_t coherent_read(struct vfio_device *core_vdev, char __user *buf,
		      size_t count, loff_t *ppos)
{
	struct coherent_window *window =
		coherent_find_window(to_coherent_device(core_vdev),
				     VFIO_PCI_OFFSET_TO_INDEX(*ppos));

	if (window)
		return coherent_window_rw(window, buf, count, ppos, false);
	return vfio_pci_core_read(core_vdev, buf, count, ppos);
}
COHERENT_EXPORT(coherent_read);

/**
 * coherent_write() - a &vfio_device_ops.write
 * @core_vdev: the device
 * @buf: where the bytes are
 * @count: bytes
 * @ppos: region index and offset; advanced by what was written
 *
 * Return: bytes written, or an error.
 */
ssize_t coherent_write(struct vfio_device *core_vdev, const char __user *buf,
		       size_t count, loff_t *ppos)
{
	struct coherent_device *cdev = to_coherent_device(core_vdev);
	unsigned int index = VFIO_PCI_OFFSET_TO_INDEX(*ppos);
	struct coherent_window *window = coherent_find_window(cdev, index);

	if (window)
		return coherent_window_rw(window, (char __user *)buf, count,
					  ppos, true);
	if (cdev->nr_windows && index == VFIO_PCI_CONFIG_REGION_INDEX)
		return coherent_config_write(cdev, buf, count, ppos);
	return vfio_pci_core_write(core_vdev, buf, count, ppos);
}
COHERENT_EXPORT(coherent_write);

/* No doorbell can be in a window: its writes are the CPU's own. */
static bool coherent_ioeventfd_in_window(struct coherent_device *cdev,
					 void __user *arg)
{
	struct vfio_device_ioeventfd ioeventfd;

	if (copy_from_user(&ioeventfd, arg,
			   offsetofend(struct vfio_device_ioeventfd, fd)))
		return false;
	return coherent_find_window(cdev,
				    VFIO_PCI_OFFSET_TO_INDEX(ioeventfd.offset));
}

/**
 * coherent_ioctl() - a &vfio_device_ops.ioctl
 * @core_vdev: the device
 * @cmd: the request
 * @arg: its argument
 *
 * Return: as the core's, and -ENOTTY for an ioeventfd in a window.
 */
long coherent_ioctl(struct vfio_device *core_vdev, unsigned int cmd,
		    unsigned long arg)
{
	struct coherent_device *cdev = to_coherent_device(core_vdev);
	void __user *uarg = (void __user *)arg;
	long ret;

	if (cmd == VFIO_DEVICE_RESET || cmd == VFIO_DEVICE_PCI_HOT_RESET)
		return coherent_reset_ioctl(cdev, cmd, arg);
	if (cmd == VFIO_DEVICE_IOEVENTFD &&
	    coherent_ioeventfd_in_window(cdev, uarg))
		return -ENOTTY;

	ret = coherent_region_ioctl(cdev, cmd, uarg);
	if (ret == -ENOTTY)
		ret = vfio_pci_core_ioctl(core_vdev, cmd, arg);
	return ret;
}
COHERENT_EXPORT(coherent_ioctl);

/* Is the function being sent to sleep, or woken? */
static bool coherent_feature_power(u32 flags)
{
	if (!(flags & VFIO_DEVICE_FEATURE_SET) ||
	    flags & VFIO_DEVICE_FEATURE_PROBE)
		return false;

	switch (flags & VFIO_DEVICE_FEATURE_MASK) {
	case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY:
	case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP:
	case VFIO_DEVICE_FEATURE_LOW_POWER_EXIT:
		return true;
	default:
		return false;
	}
}

/**
 * coherent_feature() - a &vfio_device_ops.device_feature
 * @core_vdev: the device
 * @flags: the feature and what to do with it
 * @arg: its argument
 * @argsz: bytes of @arg
 *
 * Return: as the core's.
 */
int coherent_feature(struct vfio_device *core_vdev, u32 flags,
		     void __user *arg, size_t argsz)
{
	struct coherent_device *cdev = to_coherent_device(core_vdev);
	bool power = cdev->nr_windows && coherent_feature_power(flags);
	int ret;

	/*
	 * Asleep, the memory may lose its training. Before, so that nobody
	 * trusts what was known when the core lets accesses through; after,
	 * for what was seen on the way.
	 */
	if (power)
		coherent_forget(cdev);
	ret = vfio_pci_core_ioctl_feature(core_vdev, flags, arg, argsz);
	if (power) {
		coherent_forget(cdev);
		coherent_woken(cdev);
	}
	return ret;
}
COHERENT_EXPORT(coherent_feature);

/**
 * coherent_mmap() - a &vfio_device_ops.mmap
 * @core_vdev: the device
 * @vma: the mapping to be
 *
 * Return: 0, or -EINVAL if @vma is private or not within the memory.
 */
int coherent_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma)
{
	struct coherent_device *cdev = to_coherent_device(core_vdev);
	struct coherent_window *window =
		coherent_find_window(cdev, vma->vm_pgoff >>
				     (VFIO_PCI_OFFSET_SHIFT - PAGE_SHIFT));

	if (vma->vm_flags & VM_SHARED)
		coherent_inode_adopt(cdev, vma);
	if (window)
		return coherent_window_mmap(window, vma);
	return vfio_pci_core_mmap(core_vdev, vma);
}
COHERENT_EXPORT(coherent_mmap);

/**
 * coherent_pci_remove() - a &pci_driver.remove
 * @pdev: the function, whose driver data is the vfio-pci-core device
 */
void coherent_pci_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(&pdev->dev);

	vfio_pci_core_unregister_device(core);
	vfio_put_device(&core->vdev);
}
COHERENT_EXPORT(coherent_pci_remove);

/**
 * coherent_pci_sriov_configure() - a &pci_driver.sriov_configure
 * @pdev: the function
 * @nr_virtfn: virtual functions that it shall have
 *
 * Return: as the core's.
 */
int coherent_pci_sriov_configure(struct pci_dev *pdev, int nr_virtfn)
{
	return vfio_pci_core_sriov_configure(dev_get_drvdata(&pdev->dev),
					     nr_virtfn);
}
COHERENT_EXPORT(coherent_pci_sriov_configure);

/* What the pure logic offers to drivers; it does not know of symbols. */
COHERENT_EXPORT(coherent_split);
COHERENT_EXPORT(coherent_split_rule_text);
COHERENT_EXPORT(coherent_split_rule_errno);
COHERENT_EXPORT(coherent_bar_init);
COHERENT_EXPORT(coherent_bar_reset);
COHERENT_EXPORT(coherent_bar_read);
COHERENT_EXPORT(coherent_bar_write);
COHERENT_EXPORT(coherent_span_piece);
COHERENT_EXPORT(coherent_link_register);
COHERENT_EXPORT(coherent_ready_code_ms);

static int __init coherent_init(void)
{
	int ret;

	ret = coherent_rw_init();
	if (ret)
		return ret;
	ret = coherent_poison_start();
	if (ret) {
		coherent_rw_exit();
		return ret;
	}
	if (sizeof(COMPAT_MISSING) > 1)
		pr_info("this kernel is without" COMPAT_MISSING "\n");
	return 0;
}

static void __exit coherent_exit(void)
{
	coherent_poison_stop();
	coherent_rw_exit();
}

module_init(coherent_init);
module_exit(coherent_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The cohgpu authors");
MODULE_DESCRIPTION("Windows of coherent device memory for VFIO PCI drivers");
MODULE_VERSION(COHGPU_VERSION);
