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
/* Two blocks of a transfer by way of the kernel's own memory. */
static char buffer[128 * KiB];
/* As much, which the kernel has to fetch before it can copy to it, and has no need to allocate. */
static char *absent;

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

/* Askew, as a huge entry needs no page table, and in none that others have made. */
static void mapped(void)
{
	open_still();
	mapping = vfio_map_aligned(&gpu.vfio, VFIO_USEMEM, 0, 64 * MiB, GiB,
				   (size_t)sysconf(_SC_PAGESIZE));
}

static int fault(void)
{
	for (uint64_t at = 0; at < 64 * MiB; at += 8 * MiB)
		if (vfio_touch_read(mapping + at, NULL))
			return EFAULT;
	return 0;
}

static void reset_and_absent(void)
{
	reset_still();
	EQ(madvise(absent, sizeof(buffer), MADV_DONTNEED), 0, "madvise");
}

static int moved(ssize_t done)
{
	if (done < 0)
		return (int)-done;
	return done == sizeof(buffer) ? 0 : EIO;
}

static int read_usemem(void)
{
	return moved(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, absent, sizeof(buffer)));
}

static int read_resmem(void)
{
	return moved(vfio_read(&gpu.vfio, VFIO_RESMEM, 0, buffer, sizeof(buffer)));
}

static int write_usemem(void)
{
	return moved(vfio_write(&gpu.vfio, VFIO_USEMEM, 0, buffer, sizeof(buffer)));
}

static int write_resmem(void)
{
	return moved(vfio_write(&gpu.vfio, VFIO_RESMEM, 0, buffer, sizeof(buffer)));
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
	{reset_and_absent, read_usemem, nothing, NULL, false, 0},
	{reset_still, read_resmem, nothing, NULL, false, 0},
	{reset_still, write_usemem, nothing, NULL, false, 0},
	{reset_still, write_resmem, nothing, NULL, false, 0},
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
	absent = vfio_buffer(2 * MiB);
	memset(absent, 1, sizeof(buffer));
	failnth_every(&operations[ktap_arg()]);
	EQ(util_log_lines(mark, left), 0, "windows that could not be watched");
}

#define OPERATION(name, i) KTAP_CASE_ARG_SLOW(name, every_allocation, i, 900)
/* Nothing fails there that our modules do. */
#define OPERATION_FULL(name, i) KTAP_CASE_FULL(name, every_allocation, i, 900)

static const struct ktap_case cases[] = {
	OPERATION("probe", 0),	       OPERATION("simulator_enable", 1),
	OPERATION("open", 2),	       OPERATION("open_by_iommufd", 3),
	OPERATION("region_info", 4),   OPERATION_FULL("mmap", 5),
	OPERATION("fault", 6),	       OPERATION("read_usemem", 7),
	OPERATION("read_resmem", 8),   OPERATION("write_usemem", 9),
	OPERATION("write_resmem", 10), OPERATION("config", 11),
	OPERATION("reset", 12),	       OPERATION("dmabuf", 13),
	OPERATION("unbind", 14),
};

int main(int argc, char **argv)
{
	return ktap_main("failnth", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
