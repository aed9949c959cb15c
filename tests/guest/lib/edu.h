/* SPDX-License-Identifier: GPL-2.0-only */
/* A function that copies by DMA when it is told to (QEMU's edu), to see what other devices see. */
#ifndef EDU_H
#define EDU_H

#include "vfio.h"

/* What it copies at once: half of its buffer, as it refuses the whole. */
#define EDU_COPY 2048

/* Bound to vfio-pci; its address. */
void edu_bind(char *bdf);
/* Opened, in a container that is there. */
void edu_open(struct vfio_dev *edu, int container);
/* However it was opened: it may be told, and may do DMA. */
void edu_enable(const struct vfio_dev *edu);
/* Between its buffer and @iova, which others see. */
void edu_copy(const struct vfio_dev *edu, uint32_t iova, uint32_t count, bool to_ram);
/* Its buffer, written to @iova, must not be found @dev in the memory of the simulated @gpu. */
void edu_must_not_arrive(const struct vfio_dev *edu, uint32_t iova, const char *gpu, uint64_t dev,
			 const char *what);

#endif
