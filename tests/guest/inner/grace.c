// SPDX-License-Identifier: GPL-2.0-only
/*
 * In a guest that has been given simulated GPUs: are they what the guest's kernel and driver would
 * expect, and is their memory the device's? The host tells, over a port, what there should be, and
 * looks at the device's side; all that is said here is found here.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gpu.h"
#include "host.h"
#include "srat.h"

#define LINK_READY  0x1498
#define HBM_READY   0x200bc
#define READY	    0xff
#define BAR_FLAGS   0xc /* 64 bits, prefetchable */
#define GPUS	    2
#define PLACES	    4
#define SEED(where) (0x5eed + (where) / HOST_CHUNK)

struct inner_gpu {
	char bdf[PCI_BDF_SIZE];
	uint64_t device, bar0, memory, bar1;
	uint64_t usemem, resmem; /* lengths */
	int scrubbed;
};

static struct inner_gpu gpus[GPUS];
static int count;

/* What must be in the guest, by the rules of the hardware and the sizes that the host told. */
static void learn(void)
{
	for (count = 0; count < GPUS; count++) {
		struct inner_gpu *g = &gpus[count];

		if (sscanf(host_ask("gpu %d", count),
			   "%15s %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %d", g->bdf,
			   &g->device, &g->bar0, &g->memory, &g->bar1, &g->scrubbed) != 6)
			break;
		/* Hopper's parts, 0x2340 to 0x237f, need an uncached window; later ones do not. */
		g->usemem = g->device >= 0x2380 ? g->memory : GPU_USEMEM(g->memory);
		g->resmem = g->memory - g->usemem;
	}
}

static uint64_t bar_size(uint64_t length)
{
	uint64_t size = 1;

	while (size < length)
		size <<= 1;
	return length ? size : 0;
}

static uint64_t bar_want(const struct inner_gpu *g, int bar)
{
	switch (bar) {
	case 0:
		return g->bar0;
	case 2:
		return g->bar1 ? g->bar1 : bar_size(g->resmem);
	default:
		return bar_size(g->usemem);
	}
}

/* Part of a BAR as the guest's user space gets it: memory enabled, the sysfs file mapped. */
static volatile uint64_t *map_at(const struct inner_gpu *g, int bar, uint64_t off, uint64_t bytes)
{
	char path[256], file[16];
	void *p;
	int fd;

	EQ(pci_attr_write(g->bdf, "enable", "1"), 0, "%s: enable: errno", g->bdf);
	snprintf(file, sizeof(file), "resource%d", bar);
	pci_path(path, sizeof(path), g->bdf, file);
	fd = open(path, O_RDWR | O_CLOEXEC);
	OK(fd >= 0, "%s: %s", path, strerror(errno));
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)off);
	OK(p != MAP_FAILED, "%s: mmap of 0x%" PRIx64 " at 0x%" PRIx64 ": %s", path, bytes, off,
	   strerror(errno));
	close(fd);
	return p;
}

static volatile uint64_t *map(const struct inner_gpu *g, int bar, uint64_t bytes)
{
	return map_at(g, bar, 0, bytes);
}

static uint64_t place(uint64_t length, int i)
{
	const uint64_t places[PLACES] = {0, length / 3, length / 3 * 2, length - HOST_CHUNK};

	return places[i] & ~(uint64_t)(HOST_CHUNK - 1);
}

static void ids(void)
{
	OK(count > 0, "no GPU");
	for (int i = 0; i < count; i++) {
		EQ(pci_attr_number(gpus[i].bdf, "vendor"), 0x10de, "GPU %d: vendor", i);
		EQ(pci_attr_number(gpus[i].bdf, "device"), gpus[i].device, "GPU %d: device", i);
		EQ(pci_attr_number(gpus[i].bdf, "class"), 0x030200, "GPU %d: class", i);
		host_tell("%s is 10de:%04" PRIx64 ", a 3D controller", gpus[i].bdf, gpus[i].device);
	}
}

/* As the guest's own kernel has sized and placed them. */
static void bars(void)
{
	for (int i = 0; i < count; i++) {
		int fd = pci_config_open(gpus[i].bdf);

		for (int bar = 0; bar <= 4; bar += 2) {
			uint64_t size = bar_want(&gpus[i], bar), value;

			EQ(pci_bar_size(gpus[i].bdf, bar), size, "GPU %d: BAR%d: size", i, bar);
			if (!size)
				continue;
			value = pci_config_get(fd, PCI_BASE_ADDRESS_0 + 4 * bar, 8);
			EQ(value & 0xf, BAR_FLAGS, "GPU %d: BAR%d: flags", i, bar);
			OK(value & ~0xfULL, "GPU %d: BAR%d: no address", i, bar);
			EQ(value & (size - 1) & ~0xfULL, 0, "GPU %d: BAR%d: alignment", i, bar);
			host_tell("BAR%d: %llu MiB at 0x%llx", bar, size / MiB, value & ~0xfULL);
		}
		close(fd);
	}
}

/* All ones, while memory is off; afterwards the memory is there again. */
static void sizing(void)
{
	for (int i = 0; i < count; i++) {
		volatile uint64_t *p = map(&gpus[i], 4, HOST_CHUNK);
		int fd = pci_config_open(gpus[i].bdf);
		uint64_t command = pci_config_get(fd, PCI_COMMAND, 2);

		host_fill(p, 0, SEED(0));
		pci_config_set(fd, PCI_COMMAND, command & ~PCI_COMMAND_MEMORY, 2);
		for (int bar = 0; bar <= 4; bar += 2) {
			unsigned int reg = PCI_BASE_ADDRESS_0 + 4 * bar;
			uint64_t size = bar_want(&gpus[i], bar), old = pci_config_get(fd, reg, 8);

			pci_config_set(fd, reg, UINT64_MAX, 8);
			EQ(pci_config_get(fd, reg, 8), size ? ~(size - 1) | BAR_FLAGS : 0,
			   "GPU %d: BAR%d: sized", i, bar);
			pci_config_set(fd, reg, old, 8);
			EQ(pci_config_get(fd, reg, 8), old, "GPU %d: BAR%d: restored", i, bar);
		}
		pci_config_set(fd, PCI_COMMAND, command, 2);
		host_expect(p, 0, SEED(0), "after memory was off");
		close(fd);
	}
}

/* It goes while its memory is on, and comes: the guest's own kernel sizes BARs that are in use. */
static void rescan_one(const struct inner_gpu *g)
{
	volatile uint64_t *p = map(g, 4, HOST_CHUNK);
	int fd = pci_config_open(g->bdf);
	uint64_t command = pci_config_get(fd, PCI_COMMAND, 2);
	char path[256];

	EQ(command & PCI_COMMAND_MEMORY, PCI_COMMAND_MEMORY, "%s: memory is on", g->bdf);
	host_fill(p, 0, SEED(0));
	munmap((void *)p, HOST_CHUNK);
	close(fd);
	EQ(pci_attr_write(g->bdf, "remove", "1"), 0, "%s: remove: errno", g->bdf);
	pci_path(path, sizeof(path), g->bdf, "config");
	OK(!util_exists(path), "%s: removed, and still there", g->bdf);
	EQ(util_write("/sys/bus/pci/rescan", "1"), 0, "rescan: errno");
	fd = pci_config_open(g->bdf);
	EQ(pci_config_get(fd, PCI_COMMAND, 2), command, "%s: command, when it was sized", g->bdf);
	close(fd);
}

/* BARs are as before, and what was in the memory is there, in both directions. */
static void rescan(void)
{
	for (int i = 0; i < count; i++)
		rescan_one(&gpus[i]);
	bars();
	for (int i = 0; i < count; i++) {
		volatile uint64_t *p = map(&gpus[i], 4, HOST_CHUNK);

		host_expect(p, 0, SEED(0), "after the kernel sized the BARs");
		host_fill(p, 0, SEED(1));
		host_ok("same", i, 0, HOST_CHUNK, SEED(1));
		host_ok("fill", i, 0, HOST_CHUNK, ~SEED(1));
		host_expect(p, 0, ~SEED(1), "written by the device");
	}
}

static void registers(void)
{
	for (int i = 0; i < count; i++) {
		volatile uint32_t *p = (volatile uint32_t *)map(&gpus[i], 0, gpus[i].bar0);

		EQ(p[LINK_READY / 4], READY, "GPU %d: C2C link", i);
		EQ(p[HBM_READY / 4], READY, "GPU %d: memory training", i);
	}
}

/* The whole of BAR4, though less of it is memory; and both directions in it. */
static void usemem(void)
{
	for (int i = 0; i < count; i++) {
		volatile uint64_t *p = map(&gpus[i], 4, bar_want(&gpus[i], 4));

		for (int k = 0; k < PLACES; k++) {
			uint64_t off = place(gpus[i].usemem, k);

			host_fill(p, off, SEED(off));
			host_ok("same", i, off, HOST_CHUNK, SEED(off));
			host_ok("fill", i, off, HOST_CHUNK, ~SEED(off));
			host_expect(p, off, ~SEED(off), "written by the device");
		}
		host_tell("BAR4 mapped; from +0 to +0x%" PRIx64
			  " guest and device see the same bytes",
			  gpus[i].usemem - 1);
	}
}

static void resmem(void)
{
	for (int i = 0; i < count; i++) {
		volatile uint64_t *p;

		if (!gpus[i].resmem)
			continue;
		p = map(&gpus[i], 2, bar_want(&gpus[i], 2));
		for (int k = 0; k < PLACES; k++) {
			uint64_t off = place(gpus[i].resmem, k), at = gpus[i].usemem + off;

			host_fill(p, off, SEED(at));
			host_ok("same", i, at, HOST_CHUNK, SEED(at));
			host_ok("fill", i, at, HOST_CHUNK, ~SEED(at));
			host_expect(p, off, ~SEED(at), "written by the device");
		}
		host_tell("BAR2, the uncached window: the same");
	}
}

/*
 * Is the device's memory at and after @off, a pattern of the host's, as it was? Or, first, make it so.
 * What a store past the window's end could hit is what the GPU has behind it.
 */
static void beyond(const char *what, int i, uint64_t off)
{
	off &= ~(uint64_t)(HOST_CHUNK - 1);
	if (off + HOST_CHUNK <= gpus[i].memory)
		host_ok(what, i, off, HOST_CHUNK, ~SEED(off));
}

/* BAR4 is longer than its memory: ~0, and what is written is dropped. */
static void past_end(void)
{
	int tails = 0;

	for (int i = 0; i < count; i++) {
		uint64_t end = gpus[i].usemem, size = bar_want(&gpus[i], 4);
		volatile uint64_t *p = map(&gpus[i], 4, size);
		const uint64_t at[] = {end, end + (size - end) / 2, size - 8};

		if (end == size)
			continue;
		tails++;
		host_fill(p, end - HOST_CHUNK, SEED(end));
		for (size_t k = 0; k < ARRAY_LEN(at); k++)
			beyond("fill", i, at[k]);
		for (size_t k = 0; k < ARRAY_LEN(at); k++) {
			EQ(host_load(&p[at[k] / 8]), UINT64_MAX, "GPU %d: at 0x%" PRIx64, i, at[k]);
			host_store(&p[at[k] / 8], 0);
			EQ(host_load(&p[at[k] / 8]), UINT64_MAX, "GPU %d: written at 0x%" PRIx64, i,
			   at[k]);
		}
		for (size_t k = 0; k < ARRAY_LEN(at); k++)
			beyond("same", i, at[k]);
		host_expect(p, end - HOST_CHUNK, SEED(end), "before the end");
		host_ok("same", i, end - HOST_CHUNK, HOST_CHUNK, SEED(end));
		host_tell("past the end of the memory: ~0");
	}
	OK(tails, "no GPU whose BAR4 has a tail");
}

/* What a reset must leave of what was there: everything or nothing, as the device is made. */
static void after_reset(int i, volatile uint64_t *p, uint64_t off, const char *what)
{
	if (gpus[i].scrubbed)
		host_expect_zero(p, off, what);
	else
		host_expect(p, off, SEED(off), what);
}

static void flr(void)
{
	for (int i = 0; i < count; i++) {
		volatile uint64_t *p = map(&gpus[i], 4, HOST_CHUNK);
		unsigned long before = strtoul(host_ask("flrs %d", i), NULL, 0);
		int fd = pci_config_open(gpus[i].bdf);
		uint64_t bar = pci_config_get(fd, PCI_BASE_ADDRESS_4, 8);

		EQ(pci_attr_write(gpus[i].bdf, "reset_method", "flr"), 0, "GPU %d: FLR: errno", i);
		host_fill(p, 0, SEED(0));
		EQ(pci_reset(gpus[i].bdf), 0, "GPU %d: reset: errno", i);
		EQ(pci_config_get(fd, PCI_BASE_ADDRESS_4, 8), bar, "GPU %d: BAR4 restored", i);
		OK(strtoul(host_ask("flrs %d", i), NULL, 0) > before, "GPU %d saw no FLR", i);
		after_reset(i, p, 0, "after the FLR");
		host_fill(p, 0, SEED(1));
		host_ok("same", i, 0, HOST_CHUNK, SEED(1));
		close(fd);
	}
}

/* Planted (suites/guest_planted.c): the kernel's log gets a report in a boot that is not the last. */
static void report(void)
{
	EQ(util_write("/proc/sysrq-trigger", "l"), 0, "/proc/sysrq-trigger: errno");
	host_again();
}

/* Leaves a pattern; init boots once more when it has judged this boot. What follows is the next one's. */
static void leave_and_reboot(void)
{
	for (int i = 0; i < count; i++) {
		volatile uint64_t *p = map(&gpus[i], 4, gpus[i].usemem);

		for (int k = 0; k < PLACES; k++)
			host_fill(p, place(gpus[i].usemem, k), SEED(place(gpus[i].usemem, k)));
	}
	OK(!strcmp(host_ask("down"), "ok"), "the host does not count resets");
	host_again();
}

/* The GPU was reset since this guest went down, whether or not that clears its memory. */
static void rebooted(void)
{
	for (int i = 0; i < count; i++) {
		volatile uint64_t *p = map(&gpus[i], 4, gpus[i].usemem);

		OK(strtoul(host_ask("resets %d", i), NULL, 0) > 0, "GPU %d saw no reset", i);
		for (int k = 0; k < PLACES; k++)
			after_reset(i, p, place(gpus[i].usemem, k), "after the reboot");
	}
}

/* For the next guest to look for. */
static void leave(void)
{
	for (int i = 0; i < count; i++) {
		volatile uint64_t *p = map(&gpus[i], 4, gpus[i].usemem);

		for (int k = 0; k < PLACES; k++) {
			uint64_t off = place(gpus[i].usemem, k);

			host_fill(p, off, SEED(off));
			host_ok("same", i, off, HOST_CHUNK, SEED(off));
		}
	}
}

/* The last guest's patterns lay at these places. */
static void nothing_left(void)
{
	for (int i = 0; i < count; i++) {
		volatile uint64_t *p = map(&gpus[i], 4, gpus[i].usemem);

		EQ(gpus[i].scrubbed, 1, "GPU %d: memory is cleared by resets", i);
		for (int k = 0; k < PLACES; k++)
			host_expect_zero(p, place(gpus[i].usemem, k), "left by the last guest");
	}
}

/* What the simulator clears of a memory that is too large for all of it (docs/simulator.md). */
static uint64_t cleared_place(uint64_t length, int i)
{
	const uint64_t places[PLACES] = {0, 16 * MiB - HOST_CHUNK, length - GiB,
					 length - HOST_CHUNK};

	return places[i];
}

/* A window so large that mapping all of it takes a guest more memory than it has. */
static void parts(void)
{
	for (int i = 0; i < count; i++) {
		for (int k = 0; k < PLACES; k++) {
			uint64_t off = cleared_place(gpus[i].usemem, k);
			volatile uint64_t *p = map_at(&gpus[i], 4, off, HOST_CHUNK);

			host_fill(p, 0, SEED(off));
			host_ok("same", i, off, HOST_CHUNK, SEED(off));
			host_ok("fill", i, off, HOST_CHUNK, ~SEED(off));
			host_expect(p, 0, ~SEED(off), "written by the device");
		}
		host_tell("BAR4 in parts; from +0 to +0x%" PRIx64
			  " guest and device see the same bytes",
			  gpus[i].usemem - 1);
	}
}

static void parts_past_end(void)
{
	for (int i = 0; i < count; i++) {
		const uint64_t size = bar_want(&gpus[i], 4),
			       at[] = {gpus[i].usemem, size - HOST_CHUNK};

		for (size_t k = 0; k < ARRAY_LEN(at); k++) {
			volatile uint64_t *p = map_at(&gpus[i], 4, at[k], HOST_CHUNK);

			host_store(p, 0);
			EQ(host_load(p), UINT64_MAX, "GPU %d: at 0x%" PRIx64, i, at[k]);
		}
	}
}

/* Where parts() left patterns. */
static void parts_nothing_left(void)
{
	char what[64];

	for (int i = 0; i < count; i++) {
		EQ(gpus[i].scrubbed, 1, "GPU %d: memory is cleared by resets", i);
		for (int k = 0; k < PLACES; k++) {
			uint64_t off = cleared_place(gpus[i].usemem, k);

			snprintf(what, sizeof(what), "left by the last guest from 0x%" PRIx64 " on",
				 off);
			host_expect_zero(map_at(&gpus[i], 4, off, HOST_CHUNK), 0, what);
		}
	}
}

/* To the guest its GPU is a real one, and no simulator loads beside those unless forced. */
static void simulator_refuses(void)
{
	int module = open("/tests/cohgpu-sim.ko", O_RDONLY | O_CLOEXEC), log = util_log_mark();

	OK(module >= 0, "cohgpu-sim.ko: %s", strerror(errno));
	pci_module_insert("configfs");
	EQ(syscall(SYS_finit_module, module, "", 0) ? errno : 0, EBUSY, "load: errno");
	OK(util_log_has(log, (const char *const[]){"there is a real GPU", "force=1", NULL}),
	   "no line in the log that says why and what to do");
	EQ(syscall(SYS_finit_module, module, "force=1", 0) ? errno : 0, 0, "forced: errno");
	EQ(pci_module_remove("cohgpu_sim"), 0, "remove: errno");
	close(module);
}

static void node_list(char *list, size_t size, const char *which)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/devices/system/node/%s", which);
	EQ(util_read(path, list, size), 0, "%s: errno", path);
}

/* As the guest's kernel reads the table: nodes without memory, for a driver to fill. */
static void nodes(void)
{
	char want[32], list[64];

	snprintf(want, sizeof(want), "%d-%d", HOST_NODE_FIRST, HOST_NODE_FIRST + HOST_NODES - 1);
	node_list(list, sizeof(list), "has_generic_initiator");
	OK(!strcmp(list, want), "nodes with an initiator: '%s', not '%s'", list, want);
	node_list(list, sizeof(list), "has_memory");
	OK(!strcmp(list, "0"), "nodes with memory: '%s', not 0", list);
	host_tell("nodes %s have a generic initiator, and no memory yet", want);
}

/* In the firmware's own table. */
static void initiators(void)
{
	srat_is_initiator(gpus[0].bdf, HOST_NODE_FIRST, HOST_NODES);
}

#define SLOW 300

int main(int argc, char **argv)
{
	/*
	 * A large one: each time that its memory goes on or off takes the host's kernel long. What takes
	 * it off comes last, for those guests that have the time; the registers turn it on.
	 */
	static const struct ktap_case large[] = {
		KTAP_CASE(ids),
		KTAP_CASE(bars),
		KTAP_CASE_SLOW(registers, SLOW),
		KTAP_CASE_SLOW(usemem, SLOW),
		KTAP_CASE_SLOW(resmem, SLOW),
		KTAP_CASE_SLOW(past_end, SLOW),
		KTAP_CASE_SLOW(flr, SLOW),
		KTAP_CASE_SLOW(leave_and_reboot, SLOW),
	};
	static const struct ktap_case large_again[] = {
		KTAP_CASE_SLOW(rebooted, SLOW),
	};
	static const struct ktap_case small[] = {
		KTAP_CASE(ids),	   KTAP_CASE(bars),   KTAP_CASE(registers),
		KTAP_CASE(sizing), KTAP_CASE(rescan), KTAP_CASE(usemem),
		KTAP_CASE(resmem), KTAP_CASE(flr),    KTAP_CASE(past_end),
	};
	static const struct ktap_case first[] = {
		KTAP_CASE(ids),	      KTAP_CASE(bars),
		KTAP_CASE(registers), KTAP_CASE(sizing),
		KTAP_CASE(rescan),    KTAP_CASE(usemem),
		KTAP_CASE(resmem),    KTAP_CASE(flr),
		KTAP_CASE(past_end),  KTAP_CASE(leave_and_reboot),
	};
	static const struct ktap_case again[] = {
		KTAP_CASE(rebooted),
		KTAP_CASE(leave),
	};
	static const struct ktap_case next[] = {
		KTAP_CASE(nothing_left),
		KTAP_CASE(simulator_refuses),
	};
	static const struct ktap_case numa[] = {
		KTAP_CASE(ids),	       KTAP_CASE(bars),	  KTAP_CASE(nodes),
		KTAP_CASE(initiators), KTAP_CASE(usemem),
	};
	static const struct ktap_case huge[] = {
		KTAP_CASE(ids),
		KTAP_CASE(bars),
		KTAP_CASE_SLOW(parts, SLOW),
		KTAP_CASE(parts_past_end),
	};
	static const struct ktap_case huge_next[] = {
		KTAP_CASE(ids),
		KTAP_CASE_SLOW(parts_nothing_left, SLOW),
	};
	static const struct ktap_case least[] = {
		KTAP_CASE(ids),
	};
	static const struct ktap_case planted[] = {
		KTAP_CASE(ids),
		KTAP_CASE(report),
	};
	static const struct {
		const char *role;
		const struct ktap_case *cases;
		size_t n;
	} roles[] = {
		{"large", large, ARRAY_LEN(large) - 2},
		{"large_flr", large, ARRAY_LEN(large) - 1},
		{"large_reboot", large, ARRAY_LEN(large)},
		{"large_again", large_again, ARRAY_LEN(large_again)},
		{"small", small, ARRAY_LEN(small)},
		{"first", first, ARRAY_LEN(first)},
		{"again", again, ARRAY_LEN(again)},
		{"next", next, ARRAY_LEN(next)},
		{"numa", numa, ARRAY_LEN(numa)},
		{"huge", huge, ARRAY_LEN(huge)},
		{"huge_next", huge_next, ARRAY_LEN(huge_next)},
		{"least", least, ARRAY_LEN(least)},
		{"report", planted, ARRAY_LEN(planted)},
	};
	char role[32];

	host_open();
	snprintf(role, sizeof(role), "%s", host_ask("role"));
	learn();
	EQ(count, strtol(host_ask("gpus"), NULL, 0), "GPUs that the host tells of");
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (!strcmp(role, roles[i].role))
			return ktap_main("grace", roles[i].cases, roles[i].n, NULL, argc, argv);
	ktap_fail("no role '%s'", role);
}
