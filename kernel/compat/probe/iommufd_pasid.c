// SPDX-License-Identifier: GPL-2.0-only
/* Since 6.15 PASIDs of a device can be attached to an IOAS. Written 2026-11-21. */
#include <linux/vfio.h>

#if !IS_ENABLED(CONFIG_IOMMUFD)
#error the operations are NULL in this kernel
#endif

static const struct vfio_device_ops ops __used = {
	.pasid_attach_ioas = vfio_iommufd_physical_pasid_attach_ioas,
	.pasid_detach_ioas = vfio_iommufd_physical_pasid_detach_ioas,
};
