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
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "gpu.h"

#define CHUNK	    (16 * KiB)
#define LINK_READY  0x1498
#define HBM_READY   0x200bc
#define READY	    0xff
#define BAR_FLAGS   0xc /* 64 bits, prefetchable */
#define GPUS	    2
#define PLACES	    4
#define SEED(where) (0x5eed + (where) / CHUNK)

struct inner_gpu {
	char bdf[PCI_BDF_SIZE];
	uint64_t device, bar0, memory, bar1;
	uint64_t usemem, resmem; /* lengths */
	int scrubbed;
};

static struct inner_gpu gpus[GPUS];
static int count;
static int host = -1;

static int host_port(void)
{
	char path[64], name[64];

	for (int i = 1; i < 8; i++) {
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/vport0p%d/name", i);
		if (util_read(path, name, sizeof(name)) || strcmp(name, "cohgpu.host"))
			continue;
		snprintf(path, sizeof(path), "/dev/vport0p%d", i);
		return open(path, O_RDWR | O_CLOEXEC);
	}
	return -1;
}

/* One question, one line of answer. */
static const char *ask(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static const char *ask(const char *fmt, ...)
{
	static char line[256];
	size_t len = 0;
	va_list ap;
	ssize_t n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	line[n++] = '\n';
	OK(write(host, line, n) == n, "port to the host: write: %s", strerror(errno));
	do {
		n = read(host, line + len, sizeof(line) - len);
		OK(n > 0, "port to the host: read: %s", n ? strerror(errno) : "closed");
		len += n;
	} while (line[len - 1] != '\n' && len < sizeof(line));
	line[len - 1] = 0;
	return line;
}

static void ask_ok(const char *what, int gpu, uint64_t off, uint64_t bytes, uint64_t seed)
{
	const char *answer =
		ask("%s %d 0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64, what, gpu, off, bytes, seed);

	OK(!strcmp(answer, "ok"), "GPU %d, %s at 0x%" PRIx64 ": %s", gpu, what, off, answer);
}

/* For the story that the host tells. */
static void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void tell(const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ask("tell %s", text);
}

/* What must be in the guest, by the rules of the hardware and the sizes that the host told. */
static void learn(void)
{
	for (count = 0; count < GPUS; count++) {
		struct inner_gpu *g = &gpus[count];

		if (sscanf(ask("gpu %d", count),
			   "%15s %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %d", g->bdf,
			   &g->device, &g->bar0, &g->memory, &g->bar1, &g->scrubbed) != 6)
			break;
		/* A part with a BAR1 of its own has no need for an uncached window. */
		g->usemem = g->bar1 ? g->memory : GPU_USEMEM(g->memory);
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

static int config_open(const struct inner_gpu *g)
{
	char path[256];
	int fd;

	pci_path(path, sizeof(path), g->bdf, "config");
	fd = open(path, O_RDWR | O_CLOEXEC);
	OK(fd >= 0, "%s: %s", path, strerror(errno));
	return fd;
}

static uint64_t config_get(int fd, unsigned int off, size_t bytes)
{
	uint64_t value = 0;

	EQ(pread(fd, &value, bytes, off), bytes, "config space at 0x%x", off);
	return value;
}

static void config_set(int fd, unsigned int off, uint64_t value, size_t bytes)
{
	EQ(pwrite(fd, &value, bytes, off), bytes, "config space at 0x%x", off);
}

/* A BAR as the guest's user space gets it: memory enabled, the sysfs file mapped. */
static volatile uint64_t *map(const struct inner_gpu *g, int bar, uint64_t bytes)
{
	char path[256], file[16];
	void *p;
	int fd;

	EQ(pci_attr_write(g->bdf, "enable", "1"), 0, "%s: enable: errno", g->bdf);
	snprintf(file, sizeof(file), "resource%d", bar);
	pci_path(path, sizeof(path), g->bdf, file);
	fd = open(path, O_RDWR | O_CLOEXEC);
	OK(fd >= 0, "%s: %s", path, strerror(errno));
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	OK(p != MAP_FAILED, "%s: mmap of 0x%" PRIx64 ": %s", path, bytes, strerror(errno));
	close(fd);
	return p;
}

/*
 * A PCI BAR is device memory to the guest: whole words only. Where QEMU plays it, on arm64 the
 * instruction must be a plain one; the processor does not tell KVM what one that also moves its
 * pointer has done, and compilers like these in loops.
 */
static uint64_t load(volatile uint64_t *p)
{
#ifdef __aarch64__
	uint64_t value;

	__asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(p) : "memory");
	return value;
#else
	return *p;
#endif
}

static void store(volatile uint64_t *p, uint64_t value)
{
#ifdef __aarch64__
	__asm__ volatile("str %0, [%1]" : : "r"(value), "r"(p) : "memory");
#else
	*p = value;
#endif
}

static void fill(volatile uint64_t *p, uint64_t off, uint64_t seed)
{
	static uint64_t chunk[CHUNK / 8];

	ktap_fill(chunk, sizeof(chunk), seed);
	for (size_t i = 0; i < ARRAY_LEN(chunk); i++)
		store(&p[off / 8 + i], chunk[i]);
}

static void take(volatile uint64_t *p, uint64_t off, uint64_t *chunk)
{
	for (size_t i = 0; i < CHUNK / 8; i++)
		chunk[i] = load(&p[off / 8 + i]);
}

static void expect(volatile uint64_t *p, uint64_t off, uint64_t seed, const char *what)
{
	static uint64_t got[CHUNK / 8], want[CHUNK / 8];

	take(p, off, got);
	ktap_fill(want, sizeof(want), seed);
	BYTES(got, want, sizeof(got), "%s, at 0x%" PRIx64, what, off);
}

static void expect_zero(volatile uint64_t *p, uint64_t off, const char *what)
{
	static uint64_t got[CHUNK / 8], zero[CHUNK / 8];

	take(p, off, got);
	BYTES(got, zero, sizeof(got), "%s, at 0x%" PRIx64, what, off);
}

static uint64_t place(uint64_t length, int i)
{
	const uint64_t places[PLACES] = {0, length / 3, length / 3 * 2, length - CHUNK};

	return places[i] & ~(uint64_t)(CHUNK - 1);
}

static void ids(void)
{
	OK(count > 0, "no GPU");
	for (int i = 0; i < count; i++) {
		EQ(pci_attr_number(gpus[i].bdf, "vendor"), 0x10de, "GPU %d: vendor", i);
		EQ(pci_attr_number(gpus[i].bdf, "device"), gpus[i].device, "GPU %d: device", i);
		EQ(pci_attr_number(gpus[i].bdf, "class"), 0x030200, "GPU %d: class", i);
		tell("%s is 10de:%04" PRIx64 ", a 3D controller", gpus[i].bdf, gpus[i].device);
	}
}

/* As the guest's own kernel has sized and placed them. */
static void bars(void)
{
	for (int i = 0; i < count; i++) {
		int fd = config_open(&gpus[i]);

		for (int bar = 0; bar <= 4; bar += 2) {
			uint64_t size = bar_want(&gpus[i], bar), value;

			EQ(pci_bar_size(gpus[i].bdf, bar), size, "GPU %d: BAR%d: size", i, bar);
			if (!size)
				continue;
			value = config_get(fd, PCI_BASE_ADDRESS_0 + 4 * bar, 8);
			EQ(value & 0xf, BAR_FLAGS, "GPU %d: BAR%d: flags", i, bar);
			OK(value & ~0xfULL, "GPU %d: BAR%d: no address", i, bar);
			EQ(value & (size - 1) & ~0xfULL, 0, "GPU %d: BAR%d: alignment", i, bar);
			tell("BAR%d: %llu MiB at 0x%llx", bar, size / MiB, value & ~0xfULL);
		}
		close(fd);
	}
}

/* All ones, while memory is off; afterwards the memory is there again. */
static void sizing(void)
{
	for (int i = 0; i < count; i++) {
		volatile uint64_t *p = map(&gpus[i], 4, CHUNK);
		int fd = config_open(&gpus[i]);
		uint64_t command = config_get(fd, PCI_COMMAND, 2);

		fill(p, 0, SEED(0));
		config_set(fd, PCI_COMMAND, command & ~PCI_COMMAND_MEMORY, 2);
		for (int bar = 0; bar <= 4; bar += 2) {
			unsigned int reg = PCI_BASE_ADDRESS_0 + 4 * bar;
			uint64_t size = bar_want(&gpus[i], bar), old = config_get(fd, reg, 8);

			config_set(fd, reg, UINT64_MAX, 8);
			EQ(config_get(fd, reg, 8), size ? ~(size - 1) | BAR_FLAGS : 0,
			   "GPU %d: BAR%d: sized", i, bar);
			config_set(fd, reg, old, 8);
			EQ(config_get(fd, reg, 8), old, "GPU %d: BAR%d: restored", i, bar);
		}
		config_set(fd, PCI_COMMAND, command, 2);
		expect(p, 0, SEED(0), "after memory was off");
		close(fd);
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

			fill(p, off, SEED(off));
			ask_ok("same", i, off, CHUNK, SEED(off));
			ask_ok("fill", i, off, CHUNK, ~SEED(off));
			expect(p, off, ~SEED(off), "written by the device");
		}
		tell("BAR4 mapped; from +0 to +0x%" PRIx64 " guest and device see the same bytes",
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

			fill(p, off, SEED(at));
			ask_ok("same", i, at, CHUNK, SEED(at));
			ask_ok("fill", i, at, CHUNK, ~SEED(at));
			expect(p, off, ~SEED(at), "written by the device");
		}
		tell("BAR2, the uncached window: the same");
	}
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
		fill(p, end - CHUNK, SEED(end));
		for (size_t k = 0; k < ARRAY_LEN(at); k++) {
			EQ(load(&p[at[k] / 8]), UINT64_MAX, "GPU %d: at 0x%" PRIx64, i, at[k]);
			store(&p[at[k] / 8], 0);
			EQ(load(&p[at[k] / 8]), UINT64_MAX, "GPU %d: written at 0x%" PRIx64, i,
			   at[k]);
		}
		expect(p, end - CHUNK, SEED(end), "before the end");
		tell("past the end of the memory: ~0");
	}
	OK(tails, "no GPU whose BAR4 has a tail");
}

/* What a reset must leave of what was there: everything or nothing, as the device is made. */
static void after_reset(int i, volatile uint64_t *p, uint64_t off, const char *what)
{
	if (gpus[i].scrubbed)
		expect_zero(p, off, what);
	else
		expect(p, off, SEED(off), what);
}

static void flr(void)
{
	for (int i = 0; i < count; i++) {
		volatile uint64_t *p = map(&gpus[i], 4, CHUNK);
		unsigned long before = strtoul(ask("flrs %d", i), NULL, 0);
		int fd = config_open(&gpus[i]);
		uint64_t bar = config_get(fd, PCI_BASE_ADDRESS_4, 8);

		EQ(pci_attr_write(gpus[i].bdf, "reset_method", "flr"), 0, "GPU %d: FLR: errno", i);
		fill(p, 0, SEED(0));
		EQ(pci_reset(gpus[i].bdf), 0, "GPU %d: reset: errno", i);
		EQ(config_get(fd, PCI_BASE_ADDRESS_4, 8), bar, "GPU %d: BAR4 restored", i);
		OK(strtoul(ask("flrs %d", i), NULL, 0) > before, "GPU %d saw no FLR", i);
		after_reset(i, p, 0, "after the FLR");
		fill(p, 0, SEED(1));
		ask_ok("same", i, 0, CHUNK, SEED(1));
		close(fd);
	}
}

/* Leaves a pattern, and does not come back; what follows is the next boot's. */
static void leave_and_reboot(void)
{
	for (int i = 0; i < count; i++) {
		volatile uint64_t *p = map(&gpus[i], 4, gpus[i].usemem);

		for (int k = 0; k < PLACES; k++)
			fill(p, place(gpus[i].usemem, k), SEED(place(gpus[i].usemem, k)));
	}
	reboot(RB_AUTOBOOT);
	ktap_fail("reboot: %s", strerror(errno));
}

static void rebooted(void)
{
	for (int i = 0; i < count; i++) {
		volatile uint64_t *p = map(&gpus[i], 4, gpus[i].usemem);

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

			fill(p, off, SEED(off));
			ask_ok("same", i, off, CHUNK, SEED(off));
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
			expect_zero(p, place(gpus[i].usemem, k), "left by the last guest");
	}
}

#define SLOW 300

int main(int argc, char **argv)
{
	/* A large one: each time that its memory goes on or off takes the host's kernel long. */
	static const struct ktap_case large[] = {
		KTAP_CASE(ids),
		KTAP_CASE(bars),
		KTAP_CASE_SLOW(usemem, SLOW),
		KTAP_CASE_SLOW(resmem, SLOW),
		KTAP_CASE_SLOW(past_end, SLOW),
	};
	static const struct ktap_case small[] = {
		KTAP_CASE(ids),	   KTAP_CASE(bars),   KTAP_CASE(registers), KTAP_CASE(sizing),
		KTAP_CASE(usemem), KTAP_CASE(resmem), KTAP_CASE(flr),	    KTAP_CASE(past_end),
	};
	static const struct ktap_case first[] = {
		KTAP_CASE(ids),	   KTAP_CASE(bars),	KTAP_CASE(registers),
		KTAP_CASE(sizing), KTAP_CASE(usemem),	KTAP_CASE(resmem),
		KTAP_CASE(flr),	   KTAP_CASE(past_end), KTAP_CASE(leave_and_reboot),
	};
	static const struct ktap_case again[] = {
		KTAP_CASE(rebooted),
		KTAP_CASE(leave),
	};
	static const struct ktap_case next[] = {
		KTAP_CASE(nothing_left),
	};
	static const struct {
		const char *role;
		const struct ktap_case *cases;
		size_t n;
	} roles[] = {
		{"large", large, ARRAY_LEN(large)}, {"small", small, ARRAY_LEN(small)},
		{"first", first, ARRAY_LEN(first)}, {"again", again, ARRAY_LEN(again)},
		{"next", next, ARRAY_LEN(next)},
	};
	char role[32];

	host = host_port();
	OK(host >= 0, "no port to the host: %s", strerror(errno));
	snprintf(role, sizeof(role), "%s", ask("role"));
	learn();
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (!strcmp(role, roles[i].role))
			return ktap_main("grace", roles[i].cases, roles[i].n, NULL, argc, argv);
	ktap_fail("no role '%s'", role);
}
