/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A simulated V100 with its NVLink bridges, and a reader of their regions that knows them from
 * <linux/vfio.h> alone.
 */
#ifndef NVLINK_H
#define NVLINK_H

#include "gpu.h"

#define NVLINK_DRIVER "nvlink2_vfio_pci"
#define NVLINK_LINKS  3
#define NVLINK_WINDOW (128 * GiB)
#define NVLINK_ATSD   (64 * KiB)

/* What to make; NULL leaves the simulator's default. */
struct nvlink_want {
	const char *preset; /* NULL: v100-16 */
	const char *links;
	const char *first_link;
	const char *npu;
	const char *atsd;
	const char *without;
	const char *prop_base, *prop_size, *prop_atsd;
};

struct nvlink {
	struct gpu gpu;
	int links;
	struct vfio_dev bridge[NVLINK_LINKS];
};

/* A region as its capabilities describe it. */
struct nvlink_region {
	bool found;
	uint32_t index, flags;
	uint64_t size, offset;
	int caps;
	bool has_tgt, has_speed;
	uint64_t tgt;
	/* Capability 4 as the first design of this interface had it; -1: it ends before. */
	int64_t old_speed, old_pad;
	uint32_t speed, pad;
};

/* Suites call this first: the driver under test is the NVLink one. */
void nvlink_suite(void);
/* Everything anew, with GPU @number of its kind; nothing else goes when @number is not 0. */
void nvlink_make(struct nvlink *n, int number, const struct nvlink_want *want);
/* All functions bound to the driver and opened, the GPU's memory enabled and trained. */
void nvlink_open(struct nvlink *n, const struct nvlink_want *want);
void nvlink_bind(struct nvlink *n);
/* The same, of what is bound. */
void nvlink_open_bound(struct nvlink *n);
void nvlink_close(struct nvlink *n);
/* Nothing keeps the driver, now or soon: it goes, and comes back. */
void nvlink_driver_again(void);

/* What is stored through @p is at @dev in device memory, and the reverse. */
void nvlink_agrees(const struct nvlink *n, volatile void *p, uint64_t dev, const char *what);

/* The device-specific region of this kind; .found tells whether there is one. */
struct nvlink_region nvlink_read(const struct vfio_dev *v, uint32_t vendor, uint32_t subtype);
struct nvlink_region nvlink_ram(const struct vfio_dev *v);
struct nvlink_region nvlink_atsd(const struct vfio_dev *v);
unsigned int nvlink_regions(const struct vfio_dev *v);

/*
 * The GPU's memory, mapped where the IOMMU's code can take it for DMA: at an address that has the
 * alignment which that code sees in physical address and length; @skew bytes further.
 */
void *nvlink_map(const struct nvlink *n, uint64_t off, uint64_t bytes, uint64_t skew);
/* 0 or the errno of such an mmap; a mapping that succeeds is undone. */
int nvlink_map_errno(const struct nvlink *n, uint64_t off, uint64_t bytes);

/* The simulated platform: what the driver asked of it. */
void nvlink_platform_set(const char *file, const char *value);
uint64_t nvlink_platform_number(const char *file);
void nvlink_platform_calm(void);
/* Is [start, start + bytes) registered, to lie at @base? */
bool nvlink_registered(const void *start, uint64_t bytes, uint64_t base);
long nvlink_registrations(void);
/* So many, where that can be known. */
void nvlink_registrations_are(long n, const char *what);
/* The kernel has the functions for memory itself, so the simulator does not play them. */
bool nvlink_platform_real(void);
/*
 * Debian's 7.2 is preemptible, and mm_iommu_is_devmem() keeps its RCU read lock (P14): there GPU
 * memory must be no target of DMA. Other kernels keep it, too, but do not count it.
 */
bool nvlink_kernel_keeps_rcu(void);

#endif
