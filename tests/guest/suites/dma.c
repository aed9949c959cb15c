// SPDX-License-Identifier: GPL-2.0-only
/*
 * GPU memory as the target of another device's DMA, behind the machine's real IOMMU: QEMU's edu
 * copies to and from the windows, in the same container or, by their dma-bufs, in the same iommufd, as a
 * VMM arranges it between the devices of one guest. What is not mapped, or not any more, is out of its
 * reach.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "edu.h"
#include "gpu.h"
#include "iommufd.h"

/* Where the windows lie for DMA; edu has 28 bits for it. */
#define IOVA_USEMEM 0x1000000
#define IOVA_RESMEM 0x2000000
#define LENGTH	    (1 * MiB)
#define READ_WRITE  (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

static struct gpu gpu;
static struct vfio_dev edu;
static unsigned char out[EDU_COPY], in[EDU_COPY];

/* As a dma-buf of the window, which the map then has to itself. */
static int dma_map_file(int index, uint64_t iova)
{
	const struct iommufd_range range = {0, LENGTH};
	int file = iommufd_export(&gpu.vfio, index, &range, 1), err;

	if (file < 0)
		return -file;
	err = iommufd_map_file(&gpu.vfio, file, 0, LENGTH, iova);
	close(file);
	return err;
}

static int dma_map(void *p, uint64_t iova, uint64_t bytes, uint32_t flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = flags,
		.vaddr = (uintptr_t)p,
		.iova = iova,
		.size = bytes,
	};

	return ioctl(gpu.vfio.container, VFIO_IOMMU_MAP_DMA, &map) ? errno : 0;
}

static void dma_unmap(uint64_t iova, uint64_t bytes)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = iova, .size = bytes};

	if (vfio_by_iommufd()) {
		EQ(iommufd_unmap(&gpu.vfio, iova, bytes), 0, "unmapping: errno");
		return;
	}
	EQ(ioctl(gpu.vfio.container, VFIO_IOMMU_UNMAP_DMA, &unmap), 0, "unmapping: %s",
	   strerror(errno));
	EQ(unmap.size, bytes, "unmapped");
}

static void dma_open(void)
{
	char bdf[PCI_BDF_SIZE];

	if (!vfio_by_iommufd()) {
		edu_open(&edu, gpu.vfio.container);
		return;
	}
	edu_bind(bdf);
	vfio_open_beside(&edu, bdf, &gpu.vfio);
	edu_enable(&edu);
}

/* A GPU, open, with the start of a window mapped for DMA; the window's pages. */
static unsigned char *dma_window(int index, uint64_t iova, uint32_t flags)
{
	unsigned char *p = (void *)(uintptr_t)vfio_map(&gpu.vfio, index, 0, LENGTH);

	EQ(vfio_by_iommufd() ? dma_map_file(index, iova) : dma_map(p, iova, LENGTH, flags), 0,
	   "mapping for DMA: errno");
	return p;
}

/* The device's side holds a new pattern here, and edu has it in its buffer afterwards. */
static void dma_take(uint64_t iova, uint64_t dev)
{
	ktap_fill(out, sizeof(out), ktap_random());
	sim_mem_write(gpu.name, dev, out, sizeof(out));
	edu_copy(&edu, (uint32_t)iova, sizeof(out), false);
}

/* CPU, device and the other device see the same bytes. */
static void dma_agrees(int index, uint64_t iova)
{
	const uint64_t dev = gpu_window(&gpu, index), from = 64 * KiB, to = LENGTH - EDU_COPY;
	unsigned char *p = dma_window(index, iova, READ_WRITE);

	dma_take(iova + from, dev + from);
	edu_copy(&edu, (uint32_t)(iova + to), sizeof(out), true);
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = ((volatile unsigned char *)p)[to + i];
	BYTES(in, out, sizeof(in), "copied by DMA, through the mapping");
	sim_mem_read(gpu.name, dev + to, in, sizeof(in));
	BYTES(in, out, sizeof(in), "copied by DMA, on the device's side");
}

static void usemem(void)
{
	gpu_tiny(&gpu);
	dma_open();
	dma_agrees(VFIO_USEMEM, IOVA_USEMEM);
}

static void resmem(void)
{
	gpu_tiny(&gpu);
	dma_open();
	dma_agrees(VFIO_RESMEM, IOVA_RESMEM);
}

static void from_window_to_window(void)
{
	gpu_tiny(&gpu);
	dma_open();
	dma_window(VFIO_USEMEM, IOVA_USEMEM, READ_WRITE);
	dma_window(VFIO_RESMEM, IOVA_RESMEM, READ_WRITE);
	dma_take(IOVA_USEMEM, gpu_window(&gpu, VFIO_USEMEM));
	edu_copy(&edu, IOVA_RESMEM + 4096, sizeof(out), true);
	sim_mem_read(gpu.name, gpu_window(&gpu, VFIO_RESMEM) + 4096, in, sizeof(in));
	BYTES(in, out, sizeof(in), "from usemem to resmem");
}

/* How often the IOMMU has told the kernel of faults; its lines in the log are rationed. */
static unsigned long dma_faults(void)
{
	FILE *f = fopen("/proc/interrupts", "re");
	unsigned long total = 0, n;
	char line[1024], *p, *end;

	OK(f, "/proc/interrupts: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		if (!strstr(line, "arm-smmu-v3-evtq") && !strstr(line, "dmar"))
			continue;
		/* "NUMBER: COUNT..., one a processor, and words" */
		for (p = strchr(line, ':'); p; p = end) {
			n = strtoul(++p, &end, 10);
			if (end == p || *end != ' ')
				break;
			total += n;
		}
	}
	fclose(f);
	return total;
}

static void dma_must_fault(uint64_t iova, uint64_t dev, const char *what)
{
	unsigned long before = dma_faults();

	edu_must_not_arrive(&edu, (uint32_t)iova, gpu.name, dev, what);
	for (int i = 0; i < 100 && dma_faults() == before; i++)
		ktap_sleep(0.01);
	OK(dma_faults() > before, "%s: the IOMMU tells of no fault", what);
}

static void unmapped(void)
{
	gpu_tiny(&gpu);
	dma_open();
	dma_window(VFIO_USEMEM, IOVA_USEMEM, READ_WRITE);
	dma_take(IOVA_USEMEM, 0);
	dma_unmap(IOVA_USEMEM, LENGTH);
	dma_must_fault(IOVA_USEMEM, 0, "after unmapping");
}

static void out_of_range(void)
{
	gpu_tiny(&gpu);
	dma_open();
	dma_window(VFIO_USEMEM, IOVA_USEMEM, READ_WRITE);
	dma_take(IOVA_USEMEM, 0);
	dma_must_fault(IOVA_USEMEM + LENGTH, LENGTH, "right after what is mapped");
}

/* That this is refused, QEMU's VT-d does not tell when it knows the mapping from reading. */
static void read_only(void)
{
	gpu_tiny(&gpu);
	if (vfio_by_iommufd())
		ktap_skip("an iommufd's map of a dma-buf is for reading and writing");
	dma_open();
	dma_window(VFIO_USEMEM, IOVA_USEMEM, VFIO_DMA_MAP_FLAG_READ);
	dma_take(IOVA_USEMEM, 0);
	edu_must_not_arrive(&edu, IOVA_USEMEM, gpu.name, 0, "mapped for reading");
}

/* A container's mapping stays, and is a reason to have none; a dma-buf goes while memory is off. */
static void memory_off(void)
{
	gpu_tiny(&gpu);
	if (!vfio_by_iommufd())
		ktap_skip("a container has no dma-buf, which could be revoked");
	dma_open();
	dma_window(VFIO_USEMEM, IOVA_USEMEM, READ_WRITE);
	dma_take(IOVA_USEMEM, 0);
	vfio_memory_enable(&gpu.vfio, false);
	dma_must_fault(IOVA_USEMEM, 0, "while memory is off");
	vfio_memory_enable(&gpu.vfio, true);
	dma_unmap(IOVA_USEMEM, LENGTH);
	dma_agrees(VFIO_USEMEM, IOVA_USEMEM);
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(usemem),     KTAP_CASE(resmem),	KTAP_CASE(from_window_to_window),
		KTAP_CASE(unmapped),   KTAP_CASE(out_of_range), KTAP_CASE(read_only),
		KTAP_CASE(memory_off),
	};

	return ktap_main("dma", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
