/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture: simulated GPUs, bound to the driver under test, for one case. The GPU of the case
 * before is taken over when it was made in the same way and that case passed; its faults are
 * cleared. Otherwise everything is made anew.
 */
#ifndef GPU_H
#define GPU_H

#include "ktap.h"
#include "pci.h"
#include "sim.h"
#include "util.h"
#include "vfio.h"

/* What to make; NULL leaves the simulator's default. */
struct gpu_want {
	const char *preset; /* NULL: tiny */
	const char *mem_size;
	const char *properties;
	const char *prop_base;
	const char *prop_size;
	const char *bar0_size;
	const char *scrub;
	const char *vendor;
	const char *device;
	const char *training_ms;
	const char *bdf;
};

struct gpu {
	char name[16];
	char bdf[PCI_BDF_SIZE];
	uint64_t mem_base, mem_size;
	struct vfio_dev vfio;
};

/* Windows over the device's memory, as spec says for a device with the MIG bug. */
#define GPU_USEMEM(total) (((total)-GiB) & ~(512 * MiB - 1))
#define GPU_RESMEM(total) ((total)-GPU_USEMEM(total))

/* A GPU whose windows both end before their BAR does: 1536 MiB in 2 GiB, 1088 MiB in 2 GiB. */
extern const struct gpu_want gpu_tails;

/* Made and enabled, no driver bound. */
void gpu_make(struct gpu *g, int number, const struct gpu_want *want);
/* One that is there. */
void gpu_learn(struct gpu *g, const char *name);
/* A fresh one, whatever was there. */
void gpu_fresh(struct gpu *g, const struct gpu_want *want);
/* Made or taken over, and bound. */
void gpu_bind(struct gpu *g, const struct gpu_want *want);
/* The same, opened through VFIO, memory enabled, ready. */
void gpu_open(struct gpu *g, const struct gpu_want *want);
void gpu_open_preset(struct gpu *g, const char *preset);
void gpu_tiny(struct gpu *g);
/*
 * A reset of its bus, which Linux does to a GB200 only, after which the function comes back too late:
 * it fails, and the function answers. By VFIO_DEVICE_RESET, or as a hot reset. 0 or errno.
 */
int gpu_failing_reset(struct gpu *g, bool hot);
/* Where a window begins in device memory. */
uint64_t gpu_window(const struct gpu *g, int index);
uint64_t gpu_window_size(const struct gpu *g, int index);
/* For ktap_main(): everything that the suite made goes. */
void gpu_cleanup(void);

#endif
