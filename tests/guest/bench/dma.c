// SPDX-License-Identifier: GPL-2.0-only
/*
 * A window mapped for DMA, as a VMM does for its guest: by a type 1 container, from a mapping, and
 * by an iommufd, as a dma-buf, where the kernel has both.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "iommufd.h"

#define DMA_IOVA (4 * GiB)

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

static void dma_iommufd(struct bench *b)
{
	const struct iommufd_range all = {0, b->size};
	struct vfio_dev *dev = &b->gpu->vfio;
	struct bench_cost cost;
	int file;

	setenv("COHGPU_IOMMU", "iommufd", 1);
	bench_open(b);
	file = iommufd_export(dev, b->window, &all, 1);
	if (file < 0) {
		printf("# this driver exports no window: errno %d\n", -file);
		OK(strcmp(b->who, "ours"), "export: errno %d", -file);
		vfio_close(dev);
		unsetenv("COHGPU_IOMMU");
		return;
	}
	bench_start(&cost);
	EQ(iommufd_map_file(dev, file, 0, b->size, DMA_IOVA), 0, "map of the dma-buf: errno");
	bench_stop(&cost);
	bench_print(b, "dma-map-iommufd", b->size, &cost);
	bench_start(&cost);
	EQ(iommufd_unmap(dev, DMA_IOVA, b->size), 0, "unmap of the dma-buf: errno");
	bench_stop(&cost);
	bench_print(b, "dma-unmap-iommufd", b->size, &cost);
	close(file);
	vfio_close(dev);
	unsetenv("COHGPU_IOMMU");
}

void bench_dma(struct bench *b)
{
	struct vfio_dev *dev = &b->gpu->vfio;
	/* Kernels before 7.x walk every page, so a few GiB tell what a page costs. */
	uint64_t size = b->part;
	char *map;

	bench_open(b);
	map = vfio_map_aligned(dev, b->window, 0, size, GiB, 0);
	dma_map(b, map, size);
	munmap(map, size);
	vfio_close(dev);
	if (ktap_kernel("7.2") && !access("/dev/iommu", F_OK))
		dma_iommufd(b);
}
