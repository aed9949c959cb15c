// SPDX-License-Identifier: GPL-2.0-only
/*
 * How VFIO describes a window: a region as large as the BAR, of which only the
 * beginning is memory, which the sparse-mmap capability says.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "coherent/window.h"

int coherent_window_info(struct coherent_window *window,
			 struct vfio_region_info *info,
			 struct vfio_info_cap *caps)
{
	struct vfio_region_info_cap_sparse_mmap *sparse;
	size_t size = struct_size(sparse, areas, 1);
	int ret;

	sparse = kzalloc(size, GFP_KERNEL);
	if (!sparse)
		return -ENOMEM;

	sparse->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	sparse->header.version = 1;
	sparse->nr_areas = 1;
	sparse->areas[0].offset = 0;
	sparse->areas[0].size = round_down(window->length, PAGE_SIZE);

	ret = vfio_info_add_capability(caps, &sparse->header, size);
	kfree(sparse);
	if (ret)
		return ret;

	info->offset = VFIO_PCI_INDEX_TO_OFFSET(window->index);
	info->size = window->region_size;
	info->flags = VFIO_REGION_INFO_FLAG_READ |
		      VFIO_REGION_INFO_FLAG_WRITE |
		      VFIO_REGION_INFO_FLAG_MMAP;
	return 0;
}

#ifdef COHGPU_HAVE_REGION_INFO_CAPS

/* The core answers, and asks coherent_region_info_caps(). */
long coherent_region_ioctl(struct coherent_device *cdev, unsigned int cmd,
			   struct vfio_region_info __user *arg)
{
	return -ENOTTY;
}

#else

/* Put the capabilities behind @info, if the caller left room for them. */
static int coherent_region_copy_caps(struct vfio_region_info *info,
				     struct vfio_info_cap *caps,
				     struct vfio_region_info __user *arg)
{
	info->flags |= VFIO_REGION_INFO_FLAG_CAPS;
	if (info->argsz < sizeof(*info) + caps->size) {
		info->argsz = sizeof(*info) + caps->size;
		info->cap_offset = 0;
		return 0;
	}

	vfio_info_cap_shift(caps, sizeof(*info));
	if (copy_to_user(arg + 1, caps->buf, caps->size))
		return -EFAULT;
	info->cap_offset = sizeof(*info);
	return 0;
}

/*
 * VFIO_DEVICE_GET_REGION_INFO for kernels whose core does not ask its drivers.
 * Return: -ENOTTY if that is not asked, or of no window: the core should answer.
 */
long coherent_region_ioctl(struct coherent_device *cdev, unsigned int cmd,
			   struct vfio_region_info __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_info_cap caps = {};
	struct coherent_window *window;
	struct vfio_region_info info;
	long ret;

	if (cmd != VFIO_DEVICE_GET_REGION_INFO)
		return -ENOTTY;
	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;

	window = coherent_find_window(cdev, info.index);
	if (!window)
		return -ENOTTY;

	ret = coherent_window_info(window, &info, &caps);
	if (!ret)
		ret = coherent_region_copy_caps(&info, &caps, arg);
	kfree(caps.buf);
	if (ret)
		return ret;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

#endif

/**
 * coherent_region_info_caps() - a &vfio_device_ops.get_region_info_caps
 * @core_vdev: the device
 * @info: the region asked for; filled in
 * @caps: capabilities found so far; added to
 *
 * Return: 0 or an error.
 */
int coherent_region_info_caps(struct vfio_device *core_vdev,
			      struct vfio_region_info *info,
			      struct vfio_info_cap *caps)
{
	struct coherent_window *window =
		coherent_find_window(to_coherent_device(core_vdev),
				     info->index);

	if (window)
		return coherent_window_info(window, info, caps);
	return COMPAT_CORE_REGION_INFO(core_vdev, info, caps);
}
COHERENT_EXPORT(coherent_region_info_caps);
