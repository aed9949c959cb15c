// SPDX-License-Identifier: GPL-2.0-only
/* Every allocation fails once, of a Grace GPU's operations: lib/failnth.h says how. */
#include <errno.h>
#include <stdlib.h>
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
/* What the device has where a transfer begins, and how much of it one said was done. */
static char device[sizeof(buffer)];
static ssize_t done;
static uint64_t seed;

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

/* It has a driver, with its group in sysfs, or none. */
static void check_bound(int err)
{
	char name[64], path[128];

	EQ(pci_bound(gpu.bdf, name, sizeof(name)), !err, "has a driver, after errno %d", err);
	pci_path(path, sizeof(path), gpu.bdf, "coherent_memory/state");
	EQ(util_exists(path), !err, "%s is there, after errno %d", path, err);
}

static void bound(void)
{
	gpu_bind(&gpu, &want);
}

static int unbind(void)
{
	return pci_unbind(gpu.bdf);
}

static void check_unbound(int err)
{
	char name[64];

	EQ(pci_bound(gpu.bdf, name, sizeof(name)), !!err, "has a driver, after errno %d", err);
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

static void check_enabled(int err)
{
	EQ(sim_get_number("t0", "enable"), !err, "enable, after errno %d", err);
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
	int err = 0;

	for (int i = 0; i < VFIO_PCI_NUM_REGIONS && !err; i++) {
		struct vfio_region r = {.size = gpu.vfio.region[i].size};

		err = vfio_region_info(&gpu.vfio, i, &r);
		if (!err)
			EQ(r.size, gpu.vfio.region[i].size, "region %d: size", i);
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
	for (uint64_t at = 0; at < 64 * MiB; at += 8 * MiB)
		sim_mem_write(gpu.name, at, &(uint64_t){at ^ seed}, 8);
}

static int fault(void)
{
	uint64_t value;

	for (uint64_t at = 0; at < 64 * MiB; at += 8 * MiB) {
		if (vfio_touch_read(mapping + at, &value))
			return EFAULT;
		EQ(value, at ^ seed, "loaded at 0x%llx", (unsigned long long)at);
	}
	return 0;
}

/* Other bytes each time, on the device's side and in what is written. */
static void transfer_prepare(int index)
{
	reset_still();
	ktap_fill(device, sizeof(device), ++seed);
	sim_mem_write(gpu.name, gpu_window(&gpu, index), device, sizeof(device));
	ktap_fill(buffer, sizeof(buffer), ++seed);
	EQ(madvise(absent, sizeof(buffer), MADV_DONTNEED), 0, "madvise");
}

static void usemem_prepare(void)
{
	transfer_prepare(VFIO_USEMEM);
}

static void resmem_prepare(void)
{
	transfer_prepare(VFIO_RESMEM);
}

static int moved(ssize_t n)
{
	done = n;
	if (n < 0)
		return (int)-n;
	return n == sizeof(buffer) ? 0 : FAILNTH_SHORT;
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

static void check_read_usemem(int err)
{
	if (err <= 0)
		BYTES(absent, device, done, "read of usemem");
}

static void check_read_resmem(int err)
{
	if (err <= 0)
		BYTES(buffer, device, done, "read of resmem");
}

static void check_written(int index, int err)
{
	if (err > 0)
		return;
	sim_mem_read(gpu.name, gpu_window(&gpu, index), device, done);
	BYTES(device, buffer, done, "region %d: written, seen from the device", index);
}

static void check_write_usemem(int err)
{
	check_written(VFIO_USEMEM, err);
}

static void check_write_resmem(int err)
{
	check_written(VFIO_RESMEM, err);
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

/* Above everything that an x86 reserves. */
#define IOVA TiB

static int exported = -1;

static void exported_still(void)
{
	const struct iommufd_range range = {0, 64 * MiB};

	setenv("COHGPU_IOMMU", "iommufd", 1);
	open_still();
	vfio_memory_enable(&gpu.vfio, true);
	exported = iommufd_export(&gpu.vfio, VFIO_USEMEM, &range, 1);
	OK(exported >= 0, "export: %s", strerror(-exported));
}

static int command_memory_off(void)
{
	uint16_t command = 0;
	ssize_t n = vfio_write(&gpu.vfio, VFIO_CONFIG, PCI_COMMAND, &command, sizeof(command));

	return n < 0 ? (int)-n : 0;
}

/* Where other devices reach it, and away from them again as memory goes off. */
static int map_and_revoke(void)
{
	int err = iommufd_map_file(&gpu.vfio, exported, 0, 64 * MiB, IOVA);

	return err ? err : command_memory_off();
}

/* Nothing is mapped twice, and what is not mapped says so. */
static void check_mapped(int err)
{
	int again = iommufd_unmap(&gpu.vfio, IOVA, 64 * MiB);

	OK(!again || (err && again == ENOENT), "unmap: %s", strerror(again));
	EQ(iommufd_unmap(&gpu.vfio, IOVA, 64 * MiB), ENOENT, "unmap once more: errno");
}

static void exported_closed(void)
{
	EQ(close(exported), 0, "close of the dma-buf");
}

static const struct failnth operations[] = {
	{.prepare = unbound,
	 .run = bind,
	 .undo = nothing,
	 .spares = "vfio_device_set_group",
	 .check = check_bound},
	/* Further down are dozens that cause no error. */
	{.prepare = created,
	 .run = enable,
	 .undo = removed,
	 .spares = "sim_bus_join",
	 .depth = 7,
	 .check = check_enabled},
	{.prepare = bound, .run = open_device, .undo = closed},
	{.prepare = bound, .run = open_by_iommufd, .undo = closed},
	{.prepare = open_still, .run = region_info, .undo = nothing},
	{.prepare = open_still, .run = map, .undo = unmap, .kernel_too = true},
	{.prepare = mapped, .run = fault, .undo = unmap},
	{.prepare = usemem_prepare,
	 .run = read_usemem,
	 .undo = nothing,
	 .check = check_read_usemem},
	{.prepare = resmem_prepare,
	 .run = read_resmem,
	 .undo = nothing,
	 .check = check_read_resmem},
	{.prepare = usemem_prepare,
	 .run = write_usemem,
	 .undo = nothing,
	 .check = check_write_usemem},
	{.prepare = resmem_prepare,
	 .run = write_resmem,
	 .undo = nothing,
	 .check = check_write_resmem},
	{.prepare = open_still, .run = config, .undo = nothing},
	{.prepare = open_still, .run = reset, .undo = nothing, .may_need_nothing = true},
	{.prepare = open_still, .run = export, .undo = nothing},
	{.prepare = exported_still,
	 .run = map_and_revoke,
	 .undo = exported_closed,
	 .check = check_mapped},
	{.prepare = bound, .run = unbind, .undo = nothing, .check = check_unbound},
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

static const struct ktap_case cases[] = {
	OPERATION("probe", 0),		OPERATION("simulator_enable", 1),
	OPERATION("open", 2),		OPERATION("open_by_iommufd", 3),
	OPERATION("region_info", 4),	OPERATION("mmap", 5),
	OPERATION("fault", 6),		OPERATION("read_usemem", 7),
	OPERATION("read_resmem", 8),	OPERATION("write_usemem", 9),
	OPERATION("write_resmem", 10),	OPERATION("config", 11),
	OPERATION("reset", 12),		OPERATION("dmabuf", 13),
	OPERATION("dmabuf_mapped", 14), OPERATION("unbind", 15),
};

int main(int argc, char **argv)
{
	return ktap_main("failnth", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
