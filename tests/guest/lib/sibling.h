/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A second function in the slot of a GPU, as the audio or USB function of a graphics card is: QEMU's
 * pci-testdev behind function 0 of one of the slots. It is vfio-pci's, shares the GPU's IOMMU group,
 * and a reset of its bus is one of the GPU, of which the GPU's client does not hear.
 */
#ifndef SIBLING_H
#define SIBLING_H

#include "gpu.h"

/* Its address; the case fails where there is none. */
const char *sibling_bdf(void);
/* A GPU in that slot; Linux resets the bus of a GB200, never that of a GH200. */
struct gpu_want sibling_want(const char *preset);
/* Bound to vfio-pci. */
void sibling_bind(void);
/* Opened beside the GPU. */
void sibling_open(struct vfio_dev *sibling, const struct gpu *g);
/* For ktap_main(): as gpu_cleanup(), and the sibling has no driver. */
void sibling_cleanup(void);

#endif
