// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device-specific regions: windows that stand in no BAR's place.
 *
 * The core numbers them, behind its own, for as long as the device is open. It
 * finds their type, size and flags in what it was told then, and asks us for
 * everything else.
 */
#include <linux/module.h>

#include "coherent/window.h"

static ssize_t coherent_special_rw(struct vfio_pci_core_device *core,
				   char __user *buf, size_t count,
				   loff_t *ppos, bool write)
{
	unsigned int number = VFIO_PCI_OFFSET_TO_INDEX(*ppos) -
			      VFIO_PCI_NUM_REGIONS;

	return coherent_window_rw(core->region[number].data, buf, count, ppos,
				  write);
}

static int coherent_special_mmap(struct vfio_pci_core_device *core,
				 struct vfio_pci_region *region,
				 struct vm_area_struct *vma)
{
	return coherent_window_mmap(region->data, vma);
}

static int coherent_special_add_capability(struct vfio_pci_core_device *core,
					   struct vfio_pci_region *region,
					   struct vfio_info_cap *caps)
{
	struct coherent_window *window = region->data;

	return window->region->add_capability(window, caps);
}

static void coherent_special_release(struct vfio_pci_core_device *core,
				     struct vfio_pci_region *region)
{
	coherent_window_zap(region->data);
}

static const struct vfio_pci_regops coherent_special_ops = {
	.rw = coherent_special_rw,
	.mmap = coherent_special_mmap,
	.add_capability = coherent_special_add_capability,
	.release = coherent_special_release,
};

/**
 * coherent_add_region() - show memory in a device-specific region, before
 *			   registration
 * @cdev: the device, with at most COHERENT_WINDOWS - 1 windows
 * @region: what it is; must outlive the device
 * @base: physical address, page-aligned
 * @length: bytes, whole pages, at most what a VFIO region can have; 0: the
 *	    region is there for its capabilities only
 *
 * Return: 0, -ENOMEM, or -EBUSY if the host uses that memory as RAM; the
 * log names it.
 */
int coherent_add_region(struct coherent_device *cdev,
			const struct coherent_region *region, phys_addr_t base,
			u64 length)
{
	struct coherent_window *window = &cdev->windows[cdev->nr_windows];
	int ret;

	window->cdev = cdev;
	window->region = region;
	window->cache = region->cache;
	window->base = base;
	window->length = length;
	window->region_size = length;
	ret = coherent_window_init(window);
	if (ret)
		return ret;

	cdev->nr_windows++;
	return 0;
}
COHERENT_EXPORT(coherent_add_region);

/**
 * coherent_register_regions() - tell the core of them, while it is enabled
 * @cdev: the device, being opened
 *
 * The core forgets them by itself when it is disabled.
 *
 * Return: 0 or -ENOMEM.
 */
int coherent_register_regions(struct coherent_device *cdev)
{
	struct vfio_pci_core_device *core = &cdev->core;
	unsigned int i;
	int ret;

	for (i = 0; i < cdev->nr_windows; i++) {
		struct coherent_window *window = &cdev->windows[i];
		const struct coherent_region *region = window->region;
		u32 flags = VFIO_REGION_INFO_FLAG_READ |
			    VFIO_REGION_INFO_FLAG_WRITE;

		if (!region)
			continue;
		if (window->length)
			flags |= VFIO_REGION_INFO_FLAG_MMAP;
		window->index = VFIO_PCI_NUM_REGIONS + core->num_regions;
		ret = vfio_pci_core_register_dev_region(core, region->type,
							region->subtype,
							&coherent_special_ops,
							window->region_size,
							flags, window);
		if (ret)
			return ret;
	}
	return 0;
}
COHERENT_EXPORT(coherent_register_regions);
