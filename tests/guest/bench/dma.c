// SPDX-License-Identifier: GPL-2.0-only
/* A window mapped for DMA, as a VMM does for its guest, by a type 1 container. */
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "bench.h"

#define DMA_IOVA (4 * GiB)
/* Kernels before 7.x walk every page, so a few GiB tell what a page costs. */
#define DMA_SIZE (2 * GiB)

static void dma_map(const struct bench *b, char *at, uint64_t size)
{
	const struct vfio_dev *dev = &b->gpu->vfio;
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)at,
		.iova = DMA_IOVA,
		.size = size,
	};
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = DMA_IOVA, .size = size};
	struct bench_cost cost;

	bench_start(&cost);
	EQ(ioctl(dev->container, VFIO_IOMMU_MAP_DMA, &map), 0, "MAP_DMA");
	bench_stop(&cost);
	bench_print(b, "dma-map", size, &cost);
	bench_start(&cost);
	EQ(ioctl(dev->container, VFIO_IOMMU_UNMAP_DMA, &unmap), 0, "UNMAP_DMA");
	bench_stop(&cost);
	bench_print(b, "dma-unmap", size, &cost);
}

void bench_dma(struct bench *b)
{
	struct vfio_dev *dev = &b->gpu->vfio;
	uint64_t size = b->size;
	char *map;

	if (size > DMA_SIZE)
		size = DMA_SIZE;
	bench_open(b);
	map = vfio_map_aligned(dev, b->window, 0, size, GiB, 0);
	dma_map(b, map, size);
	munmap(map, size);
	vfio_close(dev);
}
