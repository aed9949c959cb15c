/* SPDX-License-Identifier: GPL-2.0-only */
/* What the client needs of <linux/vfio.h> and <linux/iommufd.h> beyond Linux 6.1's. It is ABI. */
#ifndef COHGPU_UAPI_H
#define COHGPU_UAPI_H

#include <stdint.h>

#include <linux/vfio.h>

#define UAPI_BIND_IOMMUFD _IO(VFIO_TYPE, VFIO_BASE + 18)
#define UAPI_ATTACH	  _IO(VFIO_TYPE, VFIO_BASE + 19)
#define UAPI_LOW_POWER	  3
#define UAPI_DMA_BUF	  11

#define UAPI_IOAS_ALLOC	   _IO(';', 0x81)
#define UAPI_IOAS_UNMAP	   _IO(';', 0x86)
#define UAPI_IOAS_MAP_FILE _IO(';', 0x8f)
#define UAPI_MAP_FIXED	   1
#define UAPI_MAP_WRITE	   2
#define UAPI_MAP_READ	   4

/* Vendor regions of a V100 and of its bridges. */
#define UAPI_NVLINK2_RAM   1
#define UAPI_NVLINK2_ATSD  1
#define UAPI_VENDOR_NVIDIA 0x10de
#define UAPI_VENDOR_IBM	   0x1014

struct uapi_bind {
	uint32_t argsz, flags;
	int32_t iommufd;
	uint32_t devid;
};

struct uapi_attach {
	uint32_t argsz, flags, ioas;
};

struct uapi_alloc {
	uint32_t size, flags, ioas;
};

struct uapi_map_file {
	uint32_t size, flags, ioas;
	int32_t fd;
	uint64_t start, length, iova;
};

struct uapi_unmap {
	uint32_t size, ioas;
	uint64_t iova, length;
};

struct uapi_dma_buf {
	uint32_t argsz, flags;
	uint32_t index, open_flags, flags2, count;
	uint64_t offset, length;
};

#endif
