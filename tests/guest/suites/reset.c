// SPDX-License-Identifier: GPL-2.0-only
/*
 * spec/grace.md section 2: any reset, by whichever path, returns the emulated BARs to zero, zaps the
 * mappings, and makes the next access wait for readiness. G8.
 *
 * That a mapping was zapped shows in this: with training held, a load through it does not come back
 * before the device is trained.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "sibling.h"

static struct gpu gpu;
static struct vfio_dev sibling;

static void reset_vfio(void)
{
	EQ(vfio_reset(&gpu.vfio), 0, "VFIO_DEVICE_RESET: errno");
}

static void reset_hot(void)
{
	EQ(vfio_hot_reset(&gpu.vfio), 0, "VFIO_DEVICE_PCI_HOT_RESET: errno");
}

static void reset_flr(void)
{
	vfio_flr(&gpu.vfio);
}

static void reset_sysfs(void)
{
	EQ(pci_reset(gpu.bdf), 0, "sysfs reset: errno");
}

static void reset_pm(void)
{
	vfio_power(&gpu.vfio, 3);
	vfio_power(&gpu.vfio, 0);
}

/* Of the bus, asked of another function on it. */
static void reset_sibling(void)
{
	EQ(vfio_hot_reset_by(&sibling, gpu.vfio.group), 0,
	   "VFIO_DEVICE_PCI_HOT_RESET of the sibling: errno");
}

static const struct reset_path {
	void (*run)(void);
	const char *kind; /* what the device sees */
} reset_paths[] = {
	{reset_vfio, "flr"},  {reset_hot, "hot"}, {reset_flr, "flr"},
	{reset_sysfs, "flr"}, {reset_pm, "pm"},	  {reset_sibling, "hot"},
};

/*
 * Linux never resets the bus of a GH200 (a quirk of its own), but that of a GB200, which has no
 * resmem.
 */
static bool reset_open(void)
{
	const struct reset_path *path = &reset_paths[ktap_arg()];
	struct gpu_want gb200 = {.preset = "gb200", .mem_size = "1536M"};

	if (strcmp(path->kind, "hot")) {
		gpu_tiny(&gpu);
		return true;
	}
	if (path->run == reset_sibling) {
		gb200 = sibling_want("gb200");
		sibling_bind();
	}
	gpu_open(&gpu, &gb200);
	if (path->run == reset_sibling)
		sibling_open(&sibling, &gpu);
	return false;
}

/* The reset of this case; the device must have seen one of the right kind. */
static void reset_now(void)
{
	const struct reset_path *path = &reset_paths[ktap_arg()];
	unsigned long before = sim_resets(gpu.name, path->kind);

	path->run();
	OK(sim_resets(gpu.name, path->kind) > before, "the device saw no %s reset", path->kind);
}

static void G8_bars(void)
{
	bool resmem = reset_open();

	for (int round = 0; round < 2; round++) {
		vfio_cfg_set64(&gpu.vfio, PCI_BASE_ADDRESS_4, 0x1234567880000000);
		if (resmem)
			vfio_cfg_set64(&gpu.vfio, PCI_BASE_ADDRESS_2, 0x9abcdef0c0000000);
		EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_4), 0x123456788000000c, "BAR4 set");
		reset_now();
		EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_4), 0xc, "BAR4 after the reset");
		if (resmem)
			EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_2), 0xc, "BAR2 after the reset");
	}
}

static void contents_come_back(void)
{
	uint64_t value = 0xfeed, got;
	int windows = 1 + reset_open();
	volatile char *p[2];

	for (int w = 0; w < windows; w++)
		p[w] = vfio_map(&gpu.vfio, w ? VFIO_RESMEM : VFIO_USEMEM, 0, 4 * MiB);
	for (int round = 0; round < 3; round++) {
		for (int w = 0; w < windows; w++)
			vfio_touch_write(p[w], w);
		reset_now();
		vfio_memory_enable(&gpu.vfio, true);
		for (int w = 0; w < windows; w++) {
			uint64_t dev = w ? GPU_USEMEM(gpu.mem_size) : 0;

			/* Whatever a reset leaves in the memory, both sides see the same. */
			value++;
			EQ(vfio_touch_read(p[w], &got), 0, "window %d: load after the reset", w);
			sim_mem_write(gpu.name, dev + 8, &value, 8);
			EQ(vfio_touch_read(p[w] + 8, &got), 0, "window %d: load", w);
			EQ(got, value, "window %d: device's bytes after the reset", w);
			EQ(vfio_touch_write(p[w] + 16, value), 0, "window %d: store", w);
			sim_mem_read(gpu.name, dev + 16, &got, 8);
			EQ(got, value, "window %d: stored after the reset", w);
		}
	}
	EQ(sim_state(gpu.name, "ras_events"), 0, "RAS events");
}

struct reset_toucher {
	volatile char *map;
	volatile int begun, done;
	uint64_t value;
	int index, sig;
	ssize_t n;
};

static void reset_load(void *arg)
{
	struct reset_toucher *t = arg;

	t->begun = 1;
	if (t->map)
		t->sig = vfio_touch_read(t->map, &t->value);
	else
		t->n = vfio_read(&gpu.vfio, t->index, 0, &t->value, 8);
	t->done = 1;
}

/* Hold training, reset, let a helper access: it waits until the device is trained, and no longer. */
static void reset_waits(int index, bool by_map)
{
	struct reset_toucher *t = ktap_shared(sizeof(*t));
	uint64_t other = 0;
	pid_t pid;

	reset_open();
	t->index = index;
	if (by_map) {
		t->map = vfio_map(&gpu.vfio, index, 0, 4 * MiB);
		EQ(vfio_touch_write(t->map, 0xd00d), 0, "store before the reset");
	}
	sim_hold_training(gpu.name);
	reset_now();
	vfio_memory_enable(&gpu.vfio, true);
	EQ(sim_state(gpu.name, "ready"), 0, "ready after the reset");
	pid = ktap_spawn(reset_load, t);
	EQ(ktap_await(&t->begun, 1, 10), 1, "helper began");
	ktap_sleep(0.5);
	EQ(t->done, 0, "access came back before the device was trained");
	EQ(sim_state(gpu.name, "ras_events"), 0, "RAS events while not ready");
	sim_mem_write(gpu.name, gpu_window(&gpu, index), &(uint64_t){0xcafe}, 8);
	sim_train(gpu.name);
	ktap_join_ok(pid, 25, "access after training");
	if (by_map)
		EQ(t->sig, 0, "signal");
	else
		EQ(t->n, 8, "count");
	EQ(t->value, 0xcafe, "value");
	/* From here on nobody waits. */
	vfio_get(&gpu.vfio, index, 0, &other, 8);
	EQ(other, 0xcafe, "second access");
	EQ(sim_state(gpu.name, "ras_events"), 0, "RAS events");
}

static void read_waits(void)
{
	reset_waits(VFIO_USEMEM, false);
}

static void mapping_zapped_and_waits(void)
{
	reset_waits(VFIO_USEMEM, true);
}

static void mapping_zapped_resmem(void)
{
	reset_waits(VFIO_RESMEM, true);
}

/*
 * A reset that fails changes nothing that is ours to keep. The function itself
 * never came back from it and lost its registers, so its memory is not asked
 * for before a reset has succeeded.
 */
static void refused_reset(void)
{
	uint64_t value = 0;
	volatile char *p;
	int err;

	gpu_tiny(&gpu);
	p = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, MiB);
	vfio_touch_write(p, 0x1e57);
	vfio_cfg_set64(&gpu.vfio, PCI_BASE_ADDRESS_4, 0x4000000000);
	vfio_cfg_set64(&gpu.vfio, PCI_BASE_ADDRESS_2, 0x5000000000);
	sim_fault(gpu.name, "flr", "refused");
	/* The one method that is left to the function. */
	pci_attr_write(gpu.bdf, "reset_method", "flr");
	err = ktap_arg() ? pci_reset(gpu.bdf) : vfio_reset(&gpu.vfio);
	sim_fault(gpu.name, "flr", "normal");
	pci_attr_write(gpu.bdf, "reset_method", "default");
	OK(err, "the reset succeeded although the device refuses it");
	EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_4), 0x400000000c, "BAR4, errno %d", err);
	EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_2), 0x500000000c, "BAR2, errno %d", err);
	EQ(vfio_reset(&gpu.vfio), 0, "the next reset: errno");
	EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_4), 0xc, "BAR4 after it");
	vfio_memory_enable(&gpu.vfio, true);
	EQ(vfio_touch_read(p, &value), 0, "load");
	EQ(value, 0x1e57, "contents");
}

/*
 * The function answers after a reset that failed: it came back when the kernel had given it up.
 * What VFIO is told of that decides; registers are as they were, also in the middle of their sizing.
 */
static void failed_reset(void)
{
	const struct gpu_want gb200 = {.preset = "gb200", .mem_size = "1536M"};
	unsigned long hot;
	uint64_t bar;
	int err;

	if (ktap_arg() && ktap_quick() && ktap_kernel("6.1"))
		ktap_skip("in full rounds only: this kernel waits a minute for each");
	gpu_open(&gpu, &gb200);
	vfio_cfg_set64(&gpu.vfio, PCI_BASE_ADDRESS_4, ktap_arg() ? ~0ULL : 0x4000000000);
	bar = vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_4);
	hot = sim_resets(gpu.name, "hot");
	err = gpu_failing_reset(&gpu, ktap_arg());
	EQ(sim_resets(gpu.name, "hot"), hot + 1, "hot resets");
	EQ(err, ENOTTY, "reset: errno");
	EQ(vfio_cfg32(&gpu.vfio, 0), 0x294110de, "identity of who answers");
	EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_4), bar, "BAR4");
	vfio_memory_enable(&gpu.vfio, true);
	vfio_get(&gpu.vfio, VFIO_USEMEM, 0, &(uint64_t){0}, 8);
	EQ(sim_state(gpu.name, "ras_events"), 0, "RAS events");
	EQ(vfio_reset(&gpu.vfio), 0, "the next reset: errno");
	EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_4), 0xc, "BAR4 after it");
}

/* No reset method at all: never started. */
static void reset_without_method(void)
{
	int err;

	gpu_tiny(&gpu);
	vfio_cfg_set64(&gpu.vfio, PCI_BASE_ADDRESS_4, 0x4000000000);
	EQ(pci_attr_write(gpu.bdf, "reset_method", "\n"), 0, "reset_method: errno");
	err = vfio_reset(&gpu.vfio);
	pci_attr_write(gpu.bdf, "reset_method", "default");
	OK(err, "VFIO_DEVICE_RESET succeeded without a method");
	EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_4), 0x400000000c, "BAR4, errno %d", err);
}

static void hot_reset_info(void)
{
	struct {
		struct vfio_pci_hot_reset_info h;
		struct vfio_pci_dependent_device d[8];
	} info = {.h = {.argsz = sizeof(info)}};
	unsigned int domain, bus, dev, fn;

	reset_open();
	EQ(ioctl(gpu.vfio.fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info), 0, "ioctl");
	EQ(info.h.count, 1, "devices");
	OK(sscanf(gpu.bdf, "%x:%x:%x.%x", &domain, &bus, &dev, &fn) == 4, "BDF");
	EQ(info.d[0].bus, bus, "bus");
	EQ(info.d[0].devfn, dev << 3 | fn, "devfn");
}

static unsigned long reset_seen(void)
{
	return sim_resets(gpu.name, "flr") + sim_resets(gpu.name, "hot") +
	       sim_resets(gpu.name, "pm");
}

/* The generation moves on; and the driver has counted what the device has seen. */
static void generation_counts(void)
{
	uint64_t before, after, resets, seen;

	reset_open();
	before = pci_attr_number(gpu.bdf, "coherent_memory/reset_generation");
	resets = pci_attr_number(gpu.bdf, "coherent_memory/resets");
	seen = reset_seen();
	reset_now();
	after = pci_attr_number(gpu.bdf, "coherent_memory/reset_generation");
	OK(after > before, "expected more than %llu, got %llu", (unsigned long long)before,
	   (unsigned long long)after);
	EQ(pci_attr_number(gpu.bdf, "coherent_memory/reset_generation"), after, "without a reset");
	EQ(pci_attr_number(gpu.bdf, "coherent_memory/resets"), resets + reset_seen() - seen,
	   "resets");
	vfio_memory_enable(&gpu.vfio, false);
	vfio_memory_enable(&gpu.vfio, true);
	EQ(pci_attr_number(gpu.bdf, "coherent_memory/resets"), resets + reset_seen() - seen,
	   "resets after none");
}

/* A scrubbed memory reads as zero through a mapping that was there before. */
static void scrubbed_memory(void)
{
	/* More than 2 GiB, of which the simulator scrubs what is looked at. */
	const struct gpu_want w = {
		.preset = "tiny", .mem_size = "2624M", .scrub = ktap_arg() ? "1" : "0"};
	uint64_t got = 1;
	volatile char *p;

	gpu_open(&gpu, &w);
	p = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, MiB);
	vfio_touch_write(p, 0x5ec4e7);
	reset_vfio();
	EQ(vfio_touch_read(p, &got), 0, "load");
	EQ(got, ktap_arg() ? 0 : 0x5ec4e7, "contents after the reset");
}

/*
 * Resets of every kind, clients at work: the device is sound afterwards. Between two of them there
 * is time for a training; resets without a gap would keep everybody waiting, and rightly.
 */
static void reset_hammer(void *arg)
{
	volatile int *stop = arg;

	for (unsigned int i = 0; !*stop; i++) {
		switch (i % 4) {
		case 0:
			pci_reset(gpu.bdf);
			break;
		case 1:
			vfio_reset(&gpu.vfio);
			break;
		case 2:
			vfio_hot_reset_by(sibling.fd > 0 ? &sibling : &gpu.vfio, gpu.vfio.group);
			break;
		default:
			vfio_flr(&gpu.vfio);
		}
		/* Under sanitizers a first access takes a second. */
		ktap_sleep(ktap_sanitized() ? 2 : 0.03);
	}
}

struct storm {
	volatile int stop;
	double end;
	bool hot;
	volatile uint64_t read, stored;
};

/* A hot reset is refused while a client is inside of an access, so some storms take long. */
static bool storm_enough(const struct storm *s)
{
	return s->read && s->stored && sim_resets(gpu.name, "flr") > 2 &&
	       (!s->hot || sim_resets(gpu.name, "hot"));
}

/* By itself, for an access can wait until there are no more resets. */
static void storm_timer(void *arg)
{
	struct storm *s = arg;

	while (ktap_now() < s->end || (!storm_enough(s) && ktap_now() < s->end + 60))
		ktap_sleep(0.1);
	s->stop = 1;
}

static void storm(void)
{
	struct storm *s = ktap_shared(sizeof(*s));
	uint64_t value = 0, n = 0;
	volatile char *p;
	int index;
	pid_t pid, timer;

	index = reset_open() ? VFIO_RESMEM : VFIO_USEMEM;
	sim_fault(gpu.name, "training_ms", "3");
	p = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, 16 * MiB);
	s->hot = ktap_arg();
	s->end = ktap_now() + (ktap_sanitized() ? 15 : ktap_brief() ? 3 : 10);
	timer = ktap_spawn(storm_timer, s);
	pid = ktap_spawn(reset_hammer, (void *)(uintptr_t)&s->stop);
	while (!s->stop) {
		ssize_t r = vfio_read(&gpu.vfio, index, 32 * MiB, &value, 8);
		int sig = vfio_touch_write(p + n % 16 * MiB, n);

		OK(r == 8 || r == -EIO, "read: expected 8 or -EIO, got %zd", r);
		OK(sig == 0 || sig == SIGBUS, "store: expected no signal or SIGBUS, got %d", sig);
		s->read += r == 8;
		s->stored += !sig;
		n++;
	}
	ktap_join_ok(timer, 30, "timer");
	ktap_join_ok(pid, 30, "resets");
	ktap_diag("%llu rounds, %llu reads and %llu stores served, %lu FLRs, %lu hot resets",
		  (unsigned long long)n, (unsigned long long)s->read, (unsigned long long)s->stored,
		  sim_resets(gpu.name, "flr"), sim_resets(gpu.name, "hot"));
	OK(s->read && s->stored, "nobody was served between the resets");
	OK(sim_resets(gpu.name, "flr") > 2, "no storm");
	EQ(!!sim_resets(gpu.name, "hot"), ktap_arg() != 0, "hot resets");
	EQ(sim_state(gpu.name, "ras_events"), 0, "RAS events");
	reset_vfio();
	vfio_memory_enable(&gpu.vfio, true);
	EQ(vfio_touch_write(p, 0xabcd), 0, "store afterwards");
	sim_mem_read(gpu.name, 0, &value, 8);
	EQ(value, 0xabcd, "device's side afterwards");
}

#define RESET_CASES(fn)                                                                            \
	KTAP_CASE_ARG(#fn "_vfio", fn, 0), KTAP_CASE_ARG(#fn "_hot", fn, 1),                       \
		KTAP_CASE_ARG(#fn "_flr", fn, 2), KTAP_CASE_ARG(#fn "_sysfs", fn, 3),              \
		KTAP_CASE_ARG(#fn "_d3hot", fn, 4), KTAP_CASE_ARG(#fn "_sibling", fn, 5)

static const struct ktap_case cases[] = {
	RESET_CASES(G8_bars),
	RESET_CASES(contents_come_back),
	RESET_CASES(read_waits),
	RESET_CASES(mapping_zapped_and_waits),
	KTAP_CASE_ARG("mapping_zapped_resmem_sysfs", mapping_zapped_resmem, 3),
	RESET_CASES(generation_counts),
	/* The kernel gives a function a minute to come back from an FLR. */
	KTAP_CASE_FULL("refused_reset", refused_reset, 0, 200),
	KTAP_CASE_FULL("refused_reset_sysfs", refused_reset, 1, 200),
	/* So does 6.1 after a reset of its bus, and later kernels a second. */
	KTAP_CASE_ARG_SLOW("failed_reset", failed_reset, 0, 200),
	KTAP_CASE_ARG_SLOW("failed_reset_hot", failed_reset, 1, 200),
	KTAP_CASE(reset_without_method),
	KTAP_CASE_ARG("hot_reset_info", hot_reset_info, 1),
	KTAP_CASE_ARG("storm", storm, 0),
	KTAP_CASE_ARG("storm_with_hot_resets", storm, 1),
	KTAP_CASE_ARG("storm_with_a_sibling", storm, 5),
	KTAP_CASE_ARG("memory_kept", scrubbed_memory, 0),
	KTAP_CASE_ARG("memory_scrubbed", scrubbed_memory, 1),
};

int main(int argc, char **argv)
{
	return ktap_main("reset", cases, ARRAY_LEN(cases), sibling_cleanup, argc, argv);
}
