// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults of the simulated device that the kernel itself handles, with its own vfio-pci: what
 * arrives at its services and at user space; and a device that is pulled from under a client.
 */
#include <errno.h>
#include <signal.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gpu.h"

static struct gpu gpu;

/* A GB200 with vfio-pci: Linux resets its bus, which it refuses to do to a GH200's. */
static void ft_make(void)
{
	const struct gpu_want w = {.preset = "gb200", .mem_size = "1G"};

	sim_load();
	sim_remove_all();
	gpu_make(&gpu, 0, &w);
	EQ(pci_module_insert("vfio-pci"), 0, "modprobe vfio-pci");
	pci_bind(gpu.bdf, "vfio-pci");
}

/* An eventfd that the driver signals: on an error of the device, or when it wants it back. */
static int ft_event(uint32_t index)
{
	struct {
		struct vfio_irq_set set;
		int32_t fd;
	} irq = {
		.set = {.argsz = sizeof(irq),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = index,
			.count = 1},
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};

	OK(irq.fd >= 0, "eventfd: %s", strerror(errno));
	EQ(ioctl(gpu.vfio.fd, VFIO_DEVICE_SET_IRQS, &irq), 0, "VFIO_DEVICE_SET_IRQS: %s",
	   strerror(errno));
	return irq.fd;
}

static bool ft_signalled(int event, int ms)
{
	struct pollfd p = {.fd = event, .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

/* How many errors of a kind the kernel has counted for the root port. */
static uint64_t ft_counted(const char *kind)
{
	char file[64];

	snprintf(file, sizeof(file), "../aer_rootport_total_err_%s", kind);
	return pci_attr_number(gpu.bdf, file);
}

static const struct ft_aer {
	const char *word, *counter;
	bool told;
	unsigned int hot;
} ft_aer[] = {
	{"correctable", "cor", false, 0},
	{"uncorrectable", "nonfatal", true, 0},
	{"fatal", "fatal", true, 1},
};

/* The kernel's AER service counts it, tells the driver, and resets the link after a fatal one. */
static void aer(void)
{
	const struct ft_aer *a = &ft_aer[ktap_arg()];
	uint64_t counted[ARRAY_LEN(ft_aer)];
	int event;

	ft_make();
	vfio_open(&gpu.vfio, gpu.bdf);
	event = ft_event(VFIO_PCI_ERR_IRQ_INDEX);
	for (size_t k = 0; k < ARRAY_LEN(ft_aer); k++)
		counted[k] = ft_counted(ft_aer[k].counter);
	for (unsigned int i = 1; i <= 3; i++) {
		sim_fault(gpu.name, "aer", a->word);
		if (a->told)
			OK(ft_signalled(event, 5000), "error %u: the driver was not told", i);
		for (int k = 0; k < 500 && (sim_resets(gpu.name, "hot") < i * a->hot ||
					    ft_counted(a->counter) - counted[ktap_arg()] < i);
		     k++)
			ktap_sleep(0.01);
		ktap_sleep(0.2);
		EQ(read(event, &(uint64_t){0}, 8), a->told ? 8 : -1, "signals that came");
		for (size_t k = 0; k < ARRAY_LEN(ft_aer); k++)
			EQ(ft_counted(ft_aer[k].counter) - counted[k], &ft_aer[k] == a ? i : 0,
			   "error %u: %s errors", i, ft_aer[k].counter);
		EQ(sim_resets(gpu.name, "hot"), i * a->hot, "error %u: hot resets", i);
	}
	/* The device lives: what the recovery left is put right by a reset. */
	EQ(vfio_reset(&gpu.vfio), 0, "reset: errno");
	EQ(vfio_cfg32(&gpu.vfio, 0), 0x294110de, "identity");
}

/* Errors that software has masked in the function are not reported. */
static void aer_masked(void)
{
	uint64_t counted;
	const char *const words[] = {"aer correctable", "must not be masked", NULL};
	unsigned int at = 0x100;
	char path[256];
	int log;

	ft_make();
	vfio_open(&gpu.vfio, gpu.bdf);
	while (at && (vfio_cfg32(&gpu.vfio, at) & 0xffff) != 1)
		at = vfio_cfg32(&gpu.vfio, at) >> 20;
	OK(at, "no AER capability");
	vfio_cfg_set32(&gpu.vfio, at + 0x14, 1);
	counted = ft_counted("cor");
	log = util_log_mark();
	snprintf(path, sizeof(path), SIM_DEBUGFS "/%s/aer", gpu.name);
	EQ(util_write(path, "correctable"), EPERM, "aer: errno");
	OK(util_log_has(log, words), "no line that says why");
	ktap_sleep(0.2);
	EQ(ft_counted("cor"), counted, "correctable errors");
}

/* The device is gone while a client of the driver under test has it, and memory of it mapped. */
static void unplug_while_mapped(void)
{
	const struct gpu_want w = {.preset = "tiny"};
	uint64_t value;
	char path[256];
	char *map;
	int event;

	gpu_fresh(&gpu, &w);
	pci_bind(gpu.bdf, pci_driver_name());
	vfio_open(&gpu.vfio, gpu.bdf);
	vfio_memory_enable(&gpu.vfio, true);
	sim_train(gpu.name);
	map = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, 64 * MiB);
	EQ(vfio_touch_write(map, 1), 0, "signal of a first access");
	event = ft_event(VFIO_PCI_REQ_IRQ_INDEX);
	pci_path(path, sizeof(path), gpu.bdf, "vendor");

	sim_fault(gpu.name, "unplug", "1");
	OK(ft_signalled(event, 20000), "nobody asked for the device");
	/* Whatever these give, they end. */
	vfio_touch_read(map, &value);
	vfio_read(&gpu.vfio, VFIO_CONFIG, 0, &value, sizeof(value));
	/* Memory that a gone function answered for is not touched any more. */
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &value, sizeof(value)), -EIO, "read");
	EQ(vfio_write(&gpu.vfio, VFIO_USEMEM, 0, &value, sizeof(value)), -EIO, "write");
	EQ(vfio_touch_read(map + 32 * MiB, &value), SIGBUS, "signal of a first touch");
	OK(util_exists(path), "the function is gone while a client has it");

	munmap(map, 64 * MiB);
	vfio_close(&gpu.vfio);
	for (int i = 0; i < 1000 && util_exists(path); i++)
		ktap_sleep(0.02);
	OK(!util_exists(path), "the function is still there after its client let go");
	sim_set(gpu.name, "enable", "0");
	sim_set(gpu.name, "enable", "1");
	pci_bind(gpu.bdf, pci_driver_name());
	vfio_open(&gpu.vfio, gpu.bdf);
	EQ(vfio_cfg32(&gpu.vfio, 0), 0x234210de, "identity of the new one");
}

/* Until the recovery is over there is a SIGBUS; then it waits. */
static void ft_touch(void *p)
{
	while (vfio_touch_write(p, 0xbad) == SIGBUS)
		ktap_sleep(0.005);
}

/* A fatal error resets the bus past VFIO: memory is touched again only when it is ready again. */
static void aer_fatal_while_mapped(void)
{
	const struct gpu_want w = {.preset = "gb200", .mem_size = "1536M", .scrub = "0"};
	char *p;
	pid_t pid;

	gpu_fresh(&gpu, &w);
	pci_bind(gpu.bdf, pci_driver_name());
	vfio_open(&gpu.vfio, gpu.bdf);
	vfio_memory_enable(&gpu.vfio, true);
	p = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, 2 * MiB);
	EQ(vfio_touch_write(p, 0x600d), 0, "signal of a first access");
	sim_fault(gpu.name, "training_ms", "1000");
	sim_fault(gpu.name, "ras_events", "0");
	sim_fault(gpu.name, "aer", "fatal");
	for (int i = 0; i < 500 && !sim_resets(gpu.name, "hot"); i++)
		ktap_sleep(0.01);
	EQ(sim_resets(gpu.name, "hot"), 1, "hot resets");
	/* Nobody restores the function's BARs, so it waits; what it may not do is reach memory. */
	pid = ktap_spawn(ft_touch, p);
	ktap_sleep(0.5);
	ktap_kill(pid, 10, "store after the reset");
	sim_train(gpu.name);
	EQ(sim_state(gpu.name, "ras_events"), 0, "RAS events");
	EQ(vfio_reset(&gpu.vfio), 0, "reset: errno");
	vfio_memory_enable(&gpu.vfio, true);
	EQ(vfio_touch_write(p, 0x600d), 0, "signal after a reset");
}

static void ft_read(void *arg)
{
	*(ssize_t *)arg = vfio_read(&gpu.vfio, VFIO_USEMEM, 0, (ssize_t *)arg + 1, 8);
}

/* After it the windows answer, and the BARs are those of before. */
static void ft_lesser_error(ssize_t *n)
{
	uint64_t counted = ft_counted("nonfatal");

	sim_fault(gpu.name, "aer", "uncorrectable");
	for (int i = 0; i < 500 && ft_counted("nonfatal") <= counted; i++)
		ktap_sleep(0.01);
	ktap_sleep(1);
	ktap_join_ok(ktap_spawn(ft_read, n), 45, "read after a lesser error");
	EQ(n[0], 8, "read after a lesser error");
	EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_4), 0x400000000c, "BAR4 after a lesser error");
}

/*
 * The bus of a GH200 is never reset by Linux, so its recovery from a fatal error fails. 7.2 tells the
 * driver that it gave up, and the windows answer as before; older kernels tell nobody, and they do
 * not answer. Either way nobody waits, nothing was reset, and any reset that works ends it, or the
 * recovery from a lesser error, which takes nothing.
 */
static void aer_fatal_without_recovery(void)
{
	const struct gpu_want w = {.preset = "tiny", .scrub = "0"};
	/* The in-tree driver takes no notice of such errors. */
	const ssize_t after = ktap_kernel("7.2") || ktap_peer() ? 8 : -EIO;
	ssize_t *n = ktap_shared(2 * sizeof(*n));

	gpu_fresh(&gpu, &w);
	pci_bind(gpu.bdf, pci_driver_name());
	vfio_open(&gpu.vfio, gpu.bdf);
	vfio_memory_enable(&gpu.vfio, true);
	for (int round = 0; round < 3; round++) {
		uint64_t counted = ft_counted("fatal");

		vfio_cfg_set64(&gpu.vfio, PCI_BASE_ADDRESS_4, 0x4000000000);
		/* Twice in a row, the second time. */
		for (int k = 0; k <= (round == 1); k++) {
			sim_fault(gpu.name, "aer", "fatal");
			for (int i = 0; i < 500 && ft_counted("fatal") <= counted; i++)
				ktap_sleep(0.01);
			ktap_sleep(1);
			counted = ft_counted("fatal");
		}
		EQ(sim_resets(gpu.name, "hot"), 0, "hot resets of a GH200");
		ktap_join_ok(ktap_spawn(ft_read, n), 45, "read after the error");
		EQ(n[0], after, "round %d: read after the error", round);
		EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_4), 0x400000000c, "round %d: BAR4",
		   round);
		if (round == 0)
			ft_lesser_error(n);
		if (round < 2)
			EQ(round ? pci_reset(gpu.bdf) : vfio_reset(&gpu.vfio), 0, "reset: errno");
		else
			vfio_close(&gpu.vfio);
		if (round == 2)
			vfio_open(&gpu.vfio, gpu.bdf);
		vfio_memory_enable(&gpu.vfio, true);
		ktap_join_ok(ktap_spawn(ft_read, n), 20, "read after a reset");
		EQ(n[0], 8, "round %d: read after a reset", round);
	}
}

/* The kernel's own injector, which puts its config accessors over those of both buses. */
static void ft_inject_correctable(void)
{
	struct {
		uint8_t bus, dev, fn;
		uint32_t uncorrectable, correctable, header[4], domain;
	} error = {.correctable = 1};
	unsigned int domain, bus, dev, fn;
	int fd = open("/dev/aer_inject", O_WRONLY | O_CLOEXEC);

	OK(fd >= 0, "/dev/aer_inject: %s", strerror(errno));
	OK(sscanf(gpu.bdf, "%x:%x:%x.%x", &domain, &bus, &dev, &fn) == 4, "BDF");
	error.domain = domain;
	error.bus = bus;
	error.dev = dev;
	error.fn = fn;
	EQ(write(fd, &error, sizeof(error)), sizeof(error), "aer_inject: %s", strerror(errno));
	close(fd);
}

static void ft_await_counted(uint64_t n, const char *what)
{
	for (int i = 0; i < 500 && ft_counted("cor") != n; i++)
		ktap_sleep(0.01);
	EQ(ft_counted("cor"), n, "correctable errors, %s", what);
}

/*
 * While it is loaded the simulator's accessors are beneath its own. GPUs come and go all the same;
 * the module stays, and goes when nobody knows its accessors any more.
 */
static void accessors_over_ours(void)
{
	uint64_t counted;

	ft_make();
	EQ(sim_unload_power(), 0, "removing who else keeps the module: errno");
	counted = ft_counted("cor");
	sim_fault(gpu.name, "aer", "correctable");
	ft_await_counted(counted + 1, "by the simulator");
	EQ(pci_module_insert("aer_inject"), 0, "modprobe aer_inject");
	ft_inject_correctable();
	ft_await_counted(counted + 2, "by aer_inject");
	for (int i = 0; i < 3; i++) {
		sim_set(gpu.name, "enable", "0");
		EQ(pci_attr_number(gpu.bdf, "device"), 0x1110, "round %d: disabled", i);
		sim_set(gpu.name, "enable", "1");
		EQ(pci_attr_number(gpu.bdf, "device"), 0x2941, "round %d: enabled", i);
		EQ(pci_reset(gpu.bdf), 0, "round %d: reset: errno", i);
	}
	sim_remove_all();
	EQ(pci_module_remove("cohgpu_sim"), EWOULDBLOCK, "delete_module beneath aer_inject: errno");
	EQ(pci_module_remove("aer_inject"), 0, "delete_module of aer_inject: errno");
	ft_make();
	vfio_open(&gpu.vfio, gpu.bdf);
	vfio_close(&gpu.vfio);
	sim_remove_all();
	EQ(pci_module_remove("cohgpu_sim"), 0, "delete_module: errno");
	EQ(util_write("/sys/bus/pci/rescan", "1"), 0, "rescan: errno");
	EQ(pci_attr_number(gpu.bdf, "device"), 0x1110, "without the module");
	sim_load();
}

static const struct ktap_case cases[] = {
	KTAP_CASE_ARG("aer_correctable", aer, 0), KTAP_CASE_ARG("aer_uncorrectable", aer, 1),
	KTAP_CASE_ARG("aer_fatal", aer, 2),	  KTAP_CASE(aer_masked),
	KTAP_CASE(aer_fatal_while_mapped),	  KTAP_CASE_SLOW(aer_fatal_without_recovery, 150),
	KTAP_CASE(unplug_while_mapped),		  KTAP_CASE(accessors_over_ours),
};

int main(int argc, char **argv)
{
	return ktap_main("faults", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
