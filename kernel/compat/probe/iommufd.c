// SPDX-License-Identifier: GPL-2.0-only
/* Since 6.2 devices can be bound to an iommufd. Written 2026-11-21. */
#include <linux/vfio.h>

#if !IS_ENABLED(CONFIG_IOMMUFD)
#error the operations are NULL in this kernel
#endif

static const struct vfio_device_ops ops __used = {
	.bind_iommufd = vfio_iommufd_physical_bind,
	.detach_ioas = vfio_iommufd_physical_detach_ioas,
};
