// SPDX-License-Identifier: GPL-2.0-only
/* Since 6.15 PASIDs of a device can be attached to an IOAS. Written 2026-11-21. */
#include <linux/vfio.h>

static const struct vfio_device_ops ops __used = {
	.pasid_attach_ioas = vfio_iommufd_physical_pasid_attach_ioas,
	.pasid_detach_ioas = vfio_iommufd_physical_pasid_detach_ioas,
};
