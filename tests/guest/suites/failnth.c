// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failure of every allocation: an operation is done again and again, and each time a later one of
 * its allocations, or copies to and from user space, fails, until it has no more of them. It may
 * fail then or not; afterwards it works. What it leaks or warns of is for the verdict to find.
 *
 * The kernel must be built for it (FAULT_INJECTION); Debian's is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gpu.h"
#include "iommufd.h"

#define FAIL_NTH     "/proc/thread-self/fail-nth"
#define FAIL_DEBUGFS "/sys/kernel/debug/"
/* In the quick round only each so many-th allocation fails, after the first. */
#define QUICK_STRIDE 5
#define QUICK_ALL    20
#define LIMIT	     20000

static const struct gpu_want want = {.preset = "tiny"};
static struct gpu gpu;
static char *mapping;
static char driver_bind[128];
static char buffer[MiB];

/**
 * struct operation - what may fail
 * @prepare: to where @run can start, from the state after @undo
 * @run: 0 or errno
 * @undo: back to where it was, whether @run failed or not
 * @spares: what must not fail, because the kernel itself has a WARN for it that nobody can keep
 *	    from coming: a PCI device that cannot be registered, a VFIO group without its node
 */
struct operation {
	void (*prepare)(void);
	int (*run)(void);
	void (*undo)(void);
	const char *spares;
};

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
	return util_write(driver_bind, gpu.bdf);
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

static const struct operation operations[] = {
	{unbound, bind, nothing, "vfio_device_set_group"},
	{created, enable, removed, "sim_bus_join"},
	{bound, open_device, closed, NULL},
	{bound, open_by_iommufd, closed, NULL},
	{opened, region_info, closed, NULL},
	{opened, map, unmap, NULL},
	{mapped, fault, unmap, NULL},
	{opened, read_window, closed, NULL},
	{opened, write_window, closed, NULL},
	{opened, config, closed, NULL},
	{opened, reset, closed, NULL},
	{opened, export, closed, NULL},
	{bound, unbind, nothing, NULL},
};

static void injection_set(const char *file, const char *format, unsigned long long value)
{
	static const char *const attr[] = {"failslab", "fail_page_alloc", "fail_usercopy"};
	char path[128], text[32];

	for (size_t i = 0; i < ARRAY_LEN(attr); i++) {
		snprintf(path, sizeof(path), FAIL_DEBUGFS "%s/%s", attr[i], file);
		snprintf(text, sizeof(text), format, value);
		EQ(util_write(path, text), 0, "%s: errno", path);
	}
}

/* Nothing fails in this function, nor in what it calls; NULL: in none. */
static void injection_spares(const char *function)
{
	unsigned long long at, start = 0, end = ~0ULL;
	char name[128];
	FILE *f = fopen("/proc/kallsyms", "r");

	OK(f, "/proc/kallsyms: %s", strerror(errno));
	while (function && fscanf(f, "%llx %*c %127s%*[^\n]", &at, name) == 2)
		if (!strcmp(name, function))
			start = at;
	OK(start || !function, "%s: not in /proc/kallsyms", function);
	rewind(f);
	while (start && fscanf(f, "%llx %*c %127s%*[^\n]", &at, name) == 2)
		if (at > start && at < end)
			end = at;
	fclose(f);
	injection_set("reject-start", "0x%llx", start);
	injection_set("reject-end", "0x%llx", start ? end : 0);
	injection_set("stacktrace-depth", "%llu", 32);
}

static void injection_on(void)
{
	static const char *const off[] = {"failslab/ignore-gfp-wait",
					  "fail_page_alloc/ignore-gfp-wait",
					  "fail_page_alloc/ignore-gfp-highmem"};
	char path[128];

	if (!util_exists(FAIL_NTH))
		ktap_skip("this kernel is not built to fail");
	for (size_t i = 0; i < ARRAY_LEN(off); i++) {
		snprintf(path, sizeof(path), FAIL_DEBUGFS "%s", off[i]);
		EQ(util_write(path, "N"), 0, "%s: errno", path);
	}
	util_write(FAIL_DEBUGFS "fail_page_alloc/min-order", "0");
	injection_set("verbose", "%llu", 0);
}

/* Run it with the @n-th failing; true if there was an n-th. */
static bool run_failing(const struct operation *op, int fd, unsigned int n, int *err)
{
	char text[16];
	ssize_t got;

	snprintf(text, sizeof(text), "%u", n);
	EQ(pwrite(fd, text, strlen(text), 0), (ssize_t)strlen(text), "arm");
	*err = op->run();
	/* An error here is the failure, which the operation left over. */
	got = pread(fd, text, sizeof(text) - 1, 0);
	if (got < 0)
		return false;
	text[got] = 0;
	if (!strtoul(text, NULL, 0))
		return true;
	/* Here it may fail yet. */
	if (pwrite(fd, "0", 1, 0) != 1)
		EQ(pwrite(fd, "0", 1, 0), 1, "disarm");
	return false;
}

static void every_allocation(void)
{
	const struct operation *op = &operations[ktap_arg()];
	unsigned int stride = ktap_quick() ? QUICK_STRIDE : 1;
	unsigned int n, failed = 0;
	int fd, err;

	snprintf(driver_bind, sizeof(driver_bind), "/sys/bus/pci/drivers/%s/bind",
		 pci_driver_name());
	/* Its own pages are not what is to fail. */
	memset(buffer, 1, sizeof(buffer));
	injection_on();
	injection_spares(op->spares);
	fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	OK(fd >= 0, FAIL_NTH ": %s", strerror(errno));
	for (n = 1; n < LIMIT; n += n < QUICK_ALL ? 1 : stride) {
		bool injected;

		op->prepare();
		injected = run_failing(op, fd, n, &err);
		op->undo();
		failed += err != 0;
		if (!injected)
			break;
		op->prepare();
		err = op->run();
		op->undo();
		EQ(err, 0, "once more, after failure %u: errno", n);
	}
	OK(n < LIMIT, "there is no end to it");
	OK(n > 1 || op->run == reset, "nothing was injected");
	EQ(err, 0, "without a failure: errno");
	ktap_diag("%u places to fail%s, %u errors", n - 1,
		  stride > 1 ? " at most, some of them tried" : "", failed);
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
