// SPDX-License-Identifier: GPL-2.0-only
/*
 * P9: every allocation fails once, of what a V100 and its bridges are asked to do: lib/failnth.h says
 * how. Nothing may be leaked, and no registration for DMA be left.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "failnth.h"
#include "nvlink.h"

#define PIECE (64 * KiB)
#define PLACE (1 * TiB)

static const struct nvlink_want one_link = {.links = "1"};
static struct nvlink nv;
static struct vfio_dev *dev;
static char bdf[PCI_BDF_SIZE];
static uint64_t length;
static char *mapping = MAP_FAILED;
static char buffer[PIECE], device[PIECE];
static ssize_t done;
static uint64_t seed;

/* The case's device: the GPU, or its bridge. */
static void choose(bool bridge)
{
	nvlink_make(&nv, 0, &one_link);
	dev = bridge ? &nv.bridge[0] : &nv.gpu.vfio;
	memcpy(bdf, bridge ? nv.bridge[0].bdf : nv.gpu.bdf, sizeof(bdf));
	length = bridge ? PIECE : 4 * PIECE;
}

static void nothing(void)
{
}

static void bound(void)
{
	pci_bind(bdf, NVLINK_DRIVER);
}

static void unbound(void)
{
	bound();
	pci_unbind(bdf);
}

/* Open from the first time on; the case's end closes it. */
static void open_still(void)
{
	if (dev->fd >= 0)
		return;
	bound();
	vfio_open(dev, bdf);
	vfio_memory_enable(dev, true);
	sim_train(nv.gpu.name);
}

/* With none of the kernel's mappings. */
static void reset_still(void)
{
	open_still();
	EQ(vfio_reset(dev), 0, "reset");
	vfio_memory_enable(dev, true);
	sim_train(nv.gpu.name);
}

/* With other bytes on either side. */
static void transfer_prepare(void)
{
	reset_still();
	ktap_fill(buffer, sizeof(buffer), ++seed);
}

/* Where GPU memory can be registered for DMA. */
static int map(void)
{
	mapping = mmap((void *)PLACE, length, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED_NOREPLACE, dev->fd,
		       (off_t)dev->region[VFIO_SPECIAL].offset);
	return mapping == MAP_FAILED ? errno : 0;
}

static void mapped(void)
{
	open_still();
	OK(!map(), "mmap: %s", strerror(errno));
}

static void unmapped(void)
{
	if (mapping != MAP_FAILED)
		munmap(mapping, length);
	mapping = MAP_FAILED;
	EQ(nvlink_registrations(), 0, "registrations that are left");
}

static void closed(void)
{
	unmapped();
	vfio_close(dev);
}

static int bind(void)
{
	return failnth_bind(bdf);
}

static int unbind(void)
{
	return pci_unbind(bdf);
}

static int open_device(void)
{
	return vfio_try_open(dev, bdf);
}

static int close_device(void)
{
	vfio_close(dev);
	return 0;
}

static int region_info(void)
{
	char room[256] __attribute__((aligned(8)));
	struct vfio_region_info *info = (void *)room;

	*info = (struct vfio_region_info){.argsz = sizeof(room), .index = VFIO_SPECIAL};
	return ioctl(dev->fd, VFIO_DEVICE_GET_REGION_INFO, info) ? errno : 0;
}

static int fault(void)
{
	for (uint64_t at = 0; at < length; at += PIECE)
		if (vfio_touch_read(mapping + at, NULL))
			return EFAULT;
	return 0;
}

/* What is left on both sides is registered anew. */
static int unmap_middle(void)
{
	return munmap(mapping + PIECE, PIECE) ? errno : 0;
}

static int move(bool write)
{
	size_t n = dev == &nv.gpu.vfio ? sizeof(buffer) : 8;

	done = write ? vfio_write(dev, VFIO_SPECIAL, 0, buffer, n)
		     : vfio_read(dev, VFIO_SPECIAL, 0, buffer, n);
	if (done < 0)
		return (int)-done;
	return done == (ssize_t)n ? 0 : FAILNTH_SHORT;
}

/* A register has no memory that could be compared. */
static void check_moved(int err)
{
	if (err > 0 || dev != &nv.gpu.vfio)
		return;
	sim_mem_read(nv.gpu.name, 0, device, done);
	BYTES(buffer, device, done, "moved, seen from the device");
}

static int read_region(void)
{
	return move(false);
}

static int write_region(void)
{
	return move(true);
}

static int reset(void)
{
	return vfio_reset(dev);
}

static const struct failnth operations[] = {
	{.prepare = unbound, .run = bind, .undo = nothing, .spares = "vfio_device_set_group"},
	{.prepare = bound, .run = open_device, .undo = closed},
	{.prepare = open_still, .run = region_info, .undo = nothing},
	{.prepare = open_still, .run = map, .undo = unmapped},
	{.prepare = mapped, .run = fault, .undo = unmapped},
	{.prepare = mapped, .run = unmap_middle, .undo = unmapped},
	{.prepare = transfer_prepare, .run = read_region, .undo = nothing, .check = check_moved},
	{.prepare = transfer_prepare, .run = write_region, .undo = nothing, .check = check_moved},
	{.prepare = open_still, .run = reset, .undo = nothing, .may_need_nothing = true},
	{.prepare = mapped, .run = close_device, .undo = closed, .may_need_nothing = true},
	{.prepare = bound, .run = unbind, .undo = nothing},
};

#define BRIDGE 100

static void every_allocation(void)
{
	/* Its own pages are not what is to fail. */
	memset(buffer, 1, sizeof(buffer));
	choose(ktap_arg() >= BRIDGE);
	failnth_every(&operations[ktap_arg() % BRIDGE]);
}

#define OPERATION(name, i) KTAP_CASE_ARG_SLOW(name, every_allocation, i, 900)
/* Nothing fails there that our modules do. */
#define OPERATION_FULL(name, i) KTAP_CASE_FULL(name, every_allocation, i, 900)

static const struct ktap_case cases[] = {
	OPERATION("P9_probe", 0),
	OPERATION("P9_probe_bridge", 0 + BRIDGE),
	OPERATION("P9_open", 1),
	OPERATION("P9_open_bridge", 1 + BRIDGE),
	OPERATION("region_info", 2),
	OPERATION("region_info_bridge", 2 + BRIDGE),
	OPERATION("mmap", 3),
	OPERATION_FULL("mmap_bridge", 3 + BRIDGE),
	OPERATION("fault", 4),
	OPERATION("munmap_middle", 5),
	OPERATION("read", 6),
	OPERATION("write", 7),
	OPERATION("read_bridge", 6 + BRIDGE),
	OPERATION("write_bridge", 7 + BRIDGE),
	OPERATION("reset", 8),
	OPERATION("close", 9),
	OPERATION("unbind", 10),
	OPERATION("unbind_bridge", 10 + BRIDGE),
};

int main(int argc, char **argv)
{
	nvlink_suite();
	return ktap_main("nvlink2_failnth", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
