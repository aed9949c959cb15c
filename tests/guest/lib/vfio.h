/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VFIO client: container, group and type 1 IOMMU, by <linux/vfio.h> alone; with COHGPU_IOMMU set to
 * iommufd, the device's own node and an iommufd. It knows nothing of the simulator. Sizes and counts come back as ssize_t, an error as -errno.
 */
#ifndef VFIO_CLIENT_H
#define VFIO_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "pci.h"

/* The windows' regions. */
#define VFIO_USEMEM VFIO_PCI_BAR4_REGION_INDEX
#define VFIO_RESMEM VFIO_PCI_BAR2_REGION_INDEX
#define VFIO_CONFIG VFIO_PCI_CONFIG_REGION_INDEX
/* The first device-specific region, and how many regions are known by index. */
#define VFIO_SPECIAL VFIO_PCI_NUM_REGIONS
#define VFIO_REGIONS (VFIO_SPECIAL + 1)

struct vfio_region {
	uint32_t flags;
	uint64_t size;
	uint64_t offset;
	int caps; /* capabilities in the chain */
	bool sparse;
	uint16_t sparse_version;
	uint32_t areas;
	uint64_t area_offset, area_size; /* of the first area */
};

struct vfio_dev {
	char bdf[PCI_BDF_SIZE];
	int container; /* or the iommufd */
	int group;     /* -1 with an iommufd */
	int fd;
	uint32_t ioas;				 /* of the iommufd */
	struct vfio_region region[VFIO_REGIONS]; /* zero where there is none */
};

bool vfio_by_iommufd(void);				/* COHGPU_IOMMU says so */
int vfio_try_open(struct vfio_dev *v, const char *bdf); /* 0 or errno */
void vfio_open(struct vfio_dev *v, const char *bdf);
/* By the group, or the iommufd, of a function that is open; closed before it. */
void vfio_open_beside(struct vfio_dev *v, const char *bdf, const struct vfio_dev *other);
void vfio_close(struct vfio_dev *v);
int vfio_region_info(const struct vfio_dev *v, uint32_t index, struct vfio_region *r);

ssize_t vfio_read(const struct vfio_dev *v, int index, uint64_t off, void *buf, size_t n);
ssize_t vfio_write(const struct vfio_dev *v, int index, uint64_t off, const void *buf, size_t n);
ssize_t vfio_readv(const struct vfio_dev *v, int index, uint64_t off, const struct iovec *iov,
		   int n);
ssize_t vfio_writev(const struct vfio_dev *v, int index, uint64_t off, const struct iovec *iov,
		    int n);
/* For long transfers: so much address space, over 2 MiB of memory. */
void *vfio_buffer(size_t size);
/* All of it, or the case fails. */
void vfio_get(const struct vfio_dev *v, int index, uint64_t off, void *buf, size_t n);
void vfio_put(const struct vfio_dev *v, int index, uint64_t off, const void *buf, size_t n);

/* Config space, little-endian; the case fails when the access does. */
uint8_t vfio_cfg8(const struct vfio_dev *v, unsigned int off);
uint16_t vfio_cfg16(const struct vfio_dev *v, unsigned int off);
uint32_t vfio_cfg32(const struct vfio_dev *v, unsigned int off);
uint64_t vfio_cfg64(const struct vfio_dev *v, unsigned int off);
void vfio_cfg_set16(const struct vfio_dev *v, unsigned int off, uint16_t value);
void vfio_cfg_set32(const struct vfio_dev *v, unsigned int off, uint32_t value);
void vfio_cfg_set64(const struct vfio_dev *v, unsigned int off, uint64_t value);
unsigned int vfio_find_cap(const struct vfio_dev *v, uint8_t id); /* offset; 0: there is none */
unsigned int vfio_cap(const struct vfio_dev *v, uint8_t id);	  /* offset; fails the case */
void vfio_memory_enable(const struct vfio_dev *v, bool on);
void vfio_power(const struct vfio_dev *v, unsigned int dstate);

/* Resets: 0 or errno. */
/* One that takes no argument, such as low power. 0 or errno. */
int vfio_set_feature(const struct vfio_dev *v, uint32_t what);
int vfio_reset(const struct vfio_dev *v);
int vfio_hot_reset(const struct vfio_dev *v);
int vfio_hot_reset_by(const struct vfio_dev *v, int group); /* -1: an iommufd's */
void vfio_flr(const struct vfio_dev *v);		    /* through the PCIe capability */

void *vfio_map(const struct vfio_dev *v, int index, uint64_t off, size_t n); /* fails the case */
/* The same where the address is @skew more than a multiple of @align, a power of two. */
void *vfio_map_aligned(const struct vfio_dev *v, int index, uint64_t off, size_t n, size_t align,
		       size_t skew);
/* 0 or the errno of this mmap; a mapping that succeeds is undone. */
int vfio_map_errno(const struct vfio_dev *v, int index, uint64_t off, size_t n, int prot,
		   int flags);

/* One access; the signal it raised, or 0. */
int vfio_touch_read(const volatile void *p, uint64_t *value);
int vfio_touch_write(volatile void *p, uint64_t value);

#endif
