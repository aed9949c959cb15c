/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VFIO client that looks at a device, and measures it. To open a device is to reset it, and two
 * cannot have it at once, so the one that a VM has is left alone.
 */
#ifndef COHGPU_CLIENT_H
#define COHGPU_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/gpu.h"

#define CLIENT_AREAS   8
#define CLIENT_REGIONS 32

/* What may be mapped of a region. */
struct client_area {
	uint64_t offset, size;
};

struct client_region {
	uint32_t index, flags;
	uint64_t size, offset;
	struct client_area area[CLIENT_AREAS];
	unsigned int areas;	/* CLIENT_AREAS are kept of them */
	uint32_t type, subtype; /* of a vendor's region, else 0 */
	bool has_target;
	uint64_t target; /* NVLink2: the address by which the GPU knows it */
	uint32_t speed;	 /* NVLink2, of a bridge's link; 0: not told */
};

enum client_content {
	CLIENT_OTHER,
	CLIENT_USEMEM,
	CLIENT_RESMEM,
	CLIENT_RAM,  /* a V100's memory */
	CLIENT_ATSD, /* a bridge's registers */
};

struct client {
	char address[GPU_ADDRESS];
	const char *by;		      /* "iommufd" or "group" */
	const char *at;		      /* what was asked last, for a complaint */
	int device, group, container; /* container: of the group, or the iommufd; -1: closed */
	uint32_t ioas, iommu;	      /* of an iommufd; of a container its kind */
	uint32_t flags;		      /* VFIO_DEVICE_FLAGS_* */
	struct client_region region[CLIENT_REGIONS];
	unsigned int regions;
	uint32_t irqs;
};

/*
 * by: "iommufd", "group", or NULL for the first one where the system has what it needs. An exit
 * code, having complained.
 */
int client_open(struct client *c, const char *address, int group, const char *by);
void client_close(struct client *c);

/* What a region shows, of a GPU or of a bridge; its name: NULL for CLIENT_OTHER. */
enum client_content client_content(const struct client_region *r, enum gpu_family family);
const char *client_content_name(enum client_content content);
/* Of an interrupt index; 0 where there is none. */
unsigned int client_irqs(const struct client *c, uint32_t index);
/* Does the device have this one of VFIO_DEVICE_FEATURE's, in the direction of flags? */
bool client_feature(const struct client *c, uint32_t flags, uint32_t feature);
/* Bytes done, or -errno. */
ssize_t client_read(const struct client *c, const struct client_region *r, uint64_t offset,
		    void *buf, size_t size);
/* Answers to memory accesses, as a guest's driver has it; -errno. */
int client_memory_enable(const struct client *c);
/* Part of an area into the IOMMU, as a VMM does; mapped is where it is mapped; 0 or -errno. */
int client_dma_map(const struct client *c, const struct client_region *r, uint64_t offset,
		   void *mapped, uint64_t size);
int client_dma_unmap(const struct client *c, uint64_t size);

#endif
