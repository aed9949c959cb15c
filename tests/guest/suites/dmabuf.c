// SPDX-License-Identifier: GPL-2.0-only
/*
 * spec/grace.md section 2, "dma-buf export of both windows": by the device's own node and an iommufd,
 * whose address space the window's dma-buf is mapped into.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gpu.h"
#include "iommufd.h"

/* Above everything that an x86 reserves. */
#define IOVA TiB

static struct gpu gpu;

static const int dmabuf_windows[] = {VFIO_USEMEM, VFIO_RESMEM};

static void dmabuf_open(const struct gpu_want *w)
{
	if (!ktap_kernel("7.2"))
		ktap_skip("this kernel exports no regions");
	if (access("/dev/iommu", F_OK))
		ktap_skip("this kernel has no iommufd, which maps them");
	setenv("COHGPU_IOMMU", "iommufd", 1);
	gpu_bind(&gpu, w);
	vfio_open(&gpu.vfio, gpu.bdf);
	vfio_memory_enable(&gpu.vfio, true);
}

static int dmabuf_export(int index, uint64_t off, uint64_t n)
{
	const struct iommufd_range range = {off, n};

	return iommufd_export(&gpu.vfio, index, &range, 1);
}

static void exports_and_maps(void)
{
	const struct gpu_want w = {.preset = ktap_arg() ? "gh200-96" : "tiny"};

	dmabuf_open(&w);
	for (size_t i = 0; i < ARRAY_LEN(dmabuf_windows); i++) {
		int index = dmabuf_windows[i];
		uint64_t size = gpu_window_size(&gpu, index);
		int file = dmabuf_export(index, 0, size);

		EQ(file >= 0 ? 0 : -file, 0, "region %d: export: errno", index);
		EQ((uint64_t)lseek(file, 0, SEEK_END), size, "region %d: bytes", index);
		EQ(iommufd_map_file(&gpu.vfio, file, 0, size, IOVA), 0, "region %d: map: errno",
		   index);
		EQ(iommufd_map_file(&gpu.vfio, file, 0, size, IOVA), EEXIST,
		   "region %d: map there again: errno", index);
		EQ(iommufd_unmap(&gpu.vfio, IOVA, size), 0, "region %d: unmap: errno", index);
		EQ(close(file), 0, "region %d: close", index);
	}
}

static void bounds(void)
{
	size_t page = util_page();

	dmabuf_open(&gpu_tails);
	for (size_t i = 0; i < ARRAY_LEN(dmabuf_windows); i++) {
		int index = dmabuf_windows[i];
		uint64_t end = gpu_window_size(&gpu, index);
		const struct {
			uint64_t off, n;
			int err;
		} t[] = {
			{end - page, page, 0},
			{end, page, EINVAL},
			{end - page, 2 * page, EINVAL},
			{0, end + page, EINVAL},
			{0, gpu.vfio.region[index].size, EINVAL},
			{1, page, EINVAL},
			{0, 0, EINVAL},
			{0 - (uint64_t)page, page, EOVERFLOW},
		};

		for (size_t k = 0; k < ARRAY_LEN(t); k++) {
			int file = dmabuf_export(index, t[k].off, t[k].n);

			EQ(file < 0 ? -file : 0, t[k].err, "region %d: 0x%llx at 0x%llx: errno",
			   index, (unsigned long long)t[k].n, (unsigned long long)t[k].off);
			if (file >= 0)
				close(file);
		}
	}
}

/* What is no window is the core's: the real BAR0 is exported, BAR1 is not there. */
static void real_bars(void)
{
	const struct gpu_want w = {.preset = "tiny"};
	int file;

	dmabuf_open(&w);
	file = dmabuf_export(VFIO_PCI_BAR0_REGION_INDEX, 0, MiB);
	EQ(file >= 0 ? 0 : -file, 0, "BAR0: errno");
	close(file);
	EQ(dmabuf_export(VFIO_PCI_BAR1_REGION_INDEX, 0, MiB), -ENODEV, "BAR1");
}

/* Revoked while memory is off, back afterwards; never mapped while it is revoked. */
static void revoked(void)
{
	const struct gpu_want w = {.preset = "tiny"};
	int file;

	dmabuf_open(&w);
	file = dmabuf_export(VFIO_USEMEM, 0, 64 * MiB);
	EQ(file >= 0 ? 0 : -file, 0, "export: errno");
	EQ(iommufd_map_file(&gpu.vfio, file, 0, 64 * MiB, IOVA), 0, "map: errno");
	vfio_memory_enable(&gpu.vfio, false);
	EQ(iommufd_map_file(&gpu.vfio, file, 0, 64 * MiB, 2 * IOVA), ENODEV,
	   "map without memory: errno");
	EQ(iommufd_unmap(&gpu.vfio, IOVA, 64 * MiB), 0, "unmap without memory: errno");
	vfio_memory_enable(&gpu.vfio, true);
	EQ(iommufd_map_file(&gpu.vfio, file, 0, 64 * MiB, IOVA), 0, "map again: errno");
	EQ(vfio_reset(&gpu.vfio), 0, "reset: errno");
	vfio_memory_enable(&gpu.vfio, true);
	EQ(iommufd_unmap(&gpu.vfio, IOVA, 64 * MiB), 0, "unmap after a reset: errno");
	EQ(iommufd_map_file(&gpu.vfio, file, 0, 64 * MiB, IOVA), 0, "map after a reset: errno");
}

/* The file outlives the device's, and a driver that goes away meanwhile. */
static void outlives_the_device(void)
{
	const struct gpu_want w = {.preset = "tiny"};
	int file;

	dmabuf_open(&w);
	file = dmabuf_export(VFIO_USEMEM, 0, 64 * MiB);
	EQ(file >= 0 ? 0 : -file, 0, "export: errno");
	vfio_close(&gpu.vfio);
	EQ(pci_unbind(gpu.bdf), 0, "unbind: errno");
	EQ((uint64_t)lseek(file, 0, SEEK_END), 64 * MiB, "bytes");
	EQ(close(file), 0, "close");
	pci_bind(gpu.bdf, pci_driver_name());
}

static const struct ktap_case cases[] = {
	KTAP_CASE_ARG("exports_and_maps", exports_and_maps, 0),
	KTAP_CASE_ARG("exports_and_maps_95_GiB", exports_and_maps, 1),
	KTAP_CASE(bounds),
	KTAP_CASE(real_bars),
	KTAP_CASE(revoked),
	KTAP_CASE(outlives_the_device),
};

int main(int argc, char **argv)
{
	return ktap_main("dmabuf", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
