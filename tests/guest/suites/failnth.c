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
/* Two blocks of a transfer. */
static char buffer[128 * KiB];

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

/* Open from the first time on; the case's end closes it. */
static void open_still(void)
{
	if (!gpu.name[0])
		opened();
}

/* With none of the kernel's mappings. */
static void reset_still(void)
{
	open_still();
	EQ(vfio_reset(&gpu.vfio), 0, "reset");
	vfio_memory_enable(&gpu.vfio, true);
	for (int i = 0; i < 1000 && !sim_state(gpu.name, "ready"); i++)
		ktap_sleep(0.002);
}

/* Unbound; the driver_override stays. */
static void unbound(void)
{
	if (!gpu.name[0])
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
}

static void mapped(void)
{
	open_still();
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
	return move(false, VFIO_USEMEM, sizeof(buffer));
}

static int write_window(void)
{
	return move(true, VFIO_RESMEM, sizeof(buffer));
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
	{unbound, bind, nothing, "vfio_device_set_group", false, 0},
	/* Further down are dozens that cause no error. */
	{created, enable, removed, "sim_bus_join", false, 7},
	{bound, open_device, closed, NULL, false, 0},
	{bound, open_by_iommufd, closed, NULL, false, 0},
	{open_still, region_info, nothing, NULL, false, 0},
	{open_still, map, unmap, NULL, false, 0},
	{mapped, fault, unmap, NULL, false, 0},
	{reset_still, read_window, nothing, NULL, false, 0},
	{reset_still, write_window, nothing, NULL, false, 0},
	{open_still, config, nothing, NULL, false, 0},
	{open_still, reset, nothing, NULL, true, 0},
	{open_still, export, nothing, NULL, false, 0},
	{bound, unbind, nothing, NULL, false, 0},
};

static void every_allocation(void)
{
	/* What a probe that failed left registered is in the next one's way. */
	static const char *const left[] = {"registration failed", NULL};
	int mark = util_log_mark();

	/* Its own pages are not what is to fail. */
	memset(buffer, 1, sizeof(buffer));
	failnth_every(&operations[ktap_arg()]);
	EQ(util_log_lines(mark, left), 0, "windows that could not be watched");
}

#define OPERATION(name, i) KTAP_CASE_ARG_SLOW(name, every_allocation, i, 900)
/* Nothing fails there that our modules do. */
#define OPERATION_FULL(name, i) KTAP_CASE_FULL(name, every_allocation, i, 900)

static const struct ktap_case cases[] = {
	OPERATION("probe", 0),	     OPERATION("simulator_enable", 1),
	OPERATION("open", 2),	     OPERATION("open_by_iommufd", 3),
	OPERATION("region_info", 4), OPERATION_FULL("mmap", 5),
	OPERATION("fault", 6),	     OPERATION("read", 7),
	OPERATION("write", 8),	     OPERATION("config", 9),
	OPERATION("reset", 10),	     OPERATION("dmabuf", 11),
	OPERATION("unbind", 12),
};

int main(int argc, char **argv)
{
	return ktap_main("failnth", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
