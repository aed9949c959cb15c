/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of <linux/iommufd.h> and of newer <linux/vfio.h> that a client needs, which Debian 12's
 * headers do not have. The numbers are ABI. Errors come back as errno, 0 is success.
 */
#ifndef IOMMUFD_H
#define IOMMUFD_H

#include <stddef.h>
#include <stdint.h>

#include "vfio.h"

struct iommufd_range {
	uint64_t offset, length;
};

/* /dev/vfio/devices/vfioN of @bdf bound to a new iommufd with one address space. */
int iommufd_open(struct vfio_dev *v, const char *bdf);
/* Bound with a VF token of 16 bytes, and closed again. */
int iommufd_open_token(struct vfio_dev *v, const char *bdf, const void *token);
/* Its address space for what the device does with a PASID; no more. */
int iommufd_attach_pasid(const struct vfio_dev *v, uint32_t pasid);
int iommufd_detach_pasid(const struct vfio_dev *v, uint32_t pasid);
/* The same as iommufd_open(), with the iommufd and the address space of another; v->bdf says of what. */
int iommufd_join(struct vfio_dev *v, const struct vfio_dev *other);
/* Map a dma-buf at @iova of the device's address space; unmap what was mapped there. */
int iommufd_map_file(const struct vfio_dev *v, int file, uint64_t start, uint64_t length,
		     uint64_t iova);
int iommufd_unmap(const struct vfio_dev *v, uint64_t iova, uint64_t length);
/* VFIO_DEVICE_FEATURE_DMA_BUF: the file, or -errno. */
int iommufd_export(const struct vfio_dev *v, int index, const struct iommufd_range *ranges,
		   size_t n);

#endif
