/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What POWER has of its own for a VFIO client: containers that map by translation control entries,
 * in two versions, and guests with a number in the hardware.
 */
#ifndef POWER_H
#define POWER_H

#include "vfio.h"

/* Where the cases map; inside the window that every group has. */
#define POWER_IOVA 0x100000

struct power_guest {
	int kvm, vm, vfio;
};

void guest_make(struct power_guest *g);
void guest_end(struct power_guest *g);
/*
 * As vfio_try_open(), with a container of version 1 or 2, and with the guest attached to the group
 * first, unless it is NULL. 0 or the errno of the device's open; the rest must work.
 */
int power_open(struct vfio_dev *v, const char *bdf, int version, struct power_guest *g);
void power_close(struct vfio_dev *v, struct power_guest *g);

/* Map for DMA at POWER_IOVA: 0 or errno. */
int tce_map(const struct vfio_dev *v, void *p, uint64_t bytes);
/* The same, for reading only. */
int tce_map_to_read(const struct vfio_dev *v, void *p, uint64_t bytes);
/* What was mapped there is not any more: 0 or errno. */
int tce_unmap(const struct vfio_dev *v, uint64_t bytes);
/* Version 2 maps what was registered before: 0 or errno. */
int tce_register(const struct vfio_dev *v, void *p, uint64_t bytes);
int tce_unregister(const struct vfio_dev *v, void *p, uint64_t bytes);
/* Version 2: a container's first registration, after which it has a window. */
void tce_window(const struct vfio_dev *v);
/* VFIO_EEH_PE_...: of all groups of the container, the first result that is not 0, or -errno. */
int tce_state(const struct vfio_dev *v, uint32_t op);

#endif
