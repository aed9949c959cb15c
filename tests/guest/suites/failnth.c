// SPDX-License-Identifier: GPL-2.0-only
/* Every allocation fails once, of a Grace GPU's operations: lib/failnth.h says how. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "failnth.h"
#include "gpu.h"
#include "iommufd.h"

static const struct gpu_want want = {.preset = "tiny"};
static struct gpu gpu;
static char *mapping;
static char buffer[MiB];

static void nothing(void)
{
}

static void opened(void)
{
	gpu_open(&gpu, &want);
}

static void closed(void)
{
	vfio_close(&gpu.vfio);
}

/* Unbound; the driver_override stays. */
static void unbound(void)
{
	gpu_bind(&gpu, &want);
	pci_unbind(gpu.bdf);
}

static int bind(void)
{
	return failnth_bind(gpu.bdf);
}

static void bound(void)
{
	gpu_bind(&gpu, &want);
}

static int unbind(void)
{
	return pci_unbind(gpu.bdf);
}

static void created(void)
{
	sim_remove_all();
	ktap_note()[0] = 0;
	sim_create("t0");
	sim_set("t0", "preset", "tiny");
}

static int enable(void)
{
	return sim_try_set("t0", "enable", "1");
}

static void removed(void)
{
	sim_remove_all();
}

static int open_device(void)
{
	return vfio_try_open(&gpu.vfio, gpu.bdf);
}

static int open_by_iommufd(void)
{
	return iommufd_open(&gpu.vfio, gpu.bdf);
}

static int region_info(void)
{
	struct vfio_region r;
	int err = 0;

	for (int i = 0; i < VFIO_PCI_NUM_REGIONS && !err; i++) {
		err = vfio_region_info(&gpu.vfio, i, &r);
		if (err == EINVAL && i == VFIO_PCI_VGA_REGION_INDEX)
			err = 0;
	}
	return err;
}

static int map(void)
{
	mapping = mmap(NULL, 64 * MiB, PROT_READ | PROT_WRITE, MAP_SHARED, gpu.vfio.fd,
		       (off_t)gpu.vfio.region[VFIO_USEMEM].offset);
	return mapping == MAP_FAILED ? errno : 0;
}

static void unmap(void)
{
	if (mapping != MAP_FAILED)
		munmap(mapping, 64 * MiB);
	closed();
}

static void mapped(void)
{
	opened();
	mapping = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, 64 * MiB);
}

static int fault(void)
{
	for (uint64_t at = 0; at < 64 * MiB; at += 8 * MiB)
		if (vfio_touch_read(mapping + at, NULL))
			return EFAULT;
	return 0;
}

static int move(bool write, int index, size_t n)
{
	ssize_t done = write ? vfio_write(&gpu.vfio, index, 0, buffer, n)
			     : vfio_read(&gpu.vfio, index, 0, buffer, n);

	if (done < 0)
		return (int)-done;
	return done == (ssize_t)n ? 0 : EIO;
}

static int read_window(void)
{
	return move(false, VFIO_USEMEM, MiB);
}

static int write_window(void)
{
	return move(true, VFIO_RESMEM, MiB);
}

static int config(void)
{
	char buf[64];
	ssize_t r = vfio_read(&gpu.vfio, VFIO_CONFIG, 0, buf, sizeof(buf));

	if (r == sizeof(buf))
		r = vfio_write(&gpu.vfio, VFIO_CONFIG, PCI_BASE_ADDRESS_4, buf + PCI_BASE_ADDRESS_4,
			       8);
	return r < 0 ? (int)-r : 0;
}

static int reset(void)
{
	return vfio_reset(&gpu.vfio);
}

static int export(void)
{
	const struct iommufd_range range = {0, 64 * MiB};
	int file = iommufd_export(&gpu.vfio, VFIO_USEMEM, &range, 1);

	if (file < 0)
		return -file;
	return close(file) ? errno : 0;
}

static const struct failnth operations[] = {
	{unbound, bind, nothing, "vfio_device_set_group", false},
	{created, enable, removed, "sim_bus_join", false},
	{bound, open_device, closed, NULL, false},
	{bound, open_by_iommufd, closed, NULL, false},
	{opened, region_info, closed, NULL, false},
	{opened, map, unmap, NULL, false},
	{mapped, fault, unmap, NULL, false},
	{opened, read_window, closed, NULL, false},
	{opened, write_window, closed, NULL, false},
	{opened, config, closed, NULL, false},
	{opened, reset, closed, NULL, true},
	{opened, export, closed, NULL, false},
	{bound, unbind, nothing, NULL, false},
};

static void every_allocation(void)
{
	/* Its own pages are not what is to fail. */
	memset(buffer, 1, sizeof(buffer));
	failnth_every(&operations[ktap_arg()]);
}

#define OPERATION(name, i) KTAP_CASE_ARG_SLOW(name, every_allocation, i, 900)

static const struct ktap_case cases[] = {
	OPERATION("probe", 0),	     OPERATION("simulator_enable", 1),
	OPERATION("open", 2),	     OPERATION("open_by_iommufd", 3),
	OPERATION("region_info", 4), OPERATION("mmap", 5),
	OPERATION("fault", 6),	     OPERATION("read", 7),
	OPERATION("write", 8),	     OPERATION("config", 9),
	OPERATION("reset", 10),	     OPERATION("dmabuf", 11),
	OPERATION("unbind", 12),
};

int main(int argc, char **argv)
{
	return ktap_main("failnth", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
