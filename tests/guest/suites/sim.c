// SPDX-License-Identifier: GPL-2.0-only
/*
 * The simulator by itself, without any driver: what is seen of it in config space, in BAR0 and in
 * its files. What it says of early accesses is tried by /dev/mem, as no driver may.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gpu.h"

#define SIM_C2C 0x1498
#define SIM_HBM 0x200bc

static struct gpu gpu;

static void ss_make(const struct gpu_want *want)
{
	sim_load();
	sim_remove_all();
	gpu_make(&gpu, 0, want);
}

static void ss_tiny(void)
{
	const struct gpu_want w = {.preset = "tiny"};

	ss_make(&w);
}

static int ss_config(int flags)
{
	char path[256];
	int fd;

	pci_path(path, sizeof(path), gpu.bdf, "config");
	fd = open(path, flags | O_CLOEXEC);
	OK(fd >= 0, "%s: %s", path, strerror(errno));
	return fd;
}

static uint32_t ss_read32(unsigned int at)
{
	uint32_t value = 0;
	int fd = ss_config(O_RDONLY);

	EQ(pread(fd, &value, 4, at), 4, "config read at 0x%x", at);
	close(fd);
	return value;
}

static void ss_write16(unsigned int at, uint16_t value)
{
	int fd = ss_config(O_RDWR);

	EQ(pwrite(fd, &value, 2, at), 2, "config write at 0x%x", at);
	close(fd);
}

/* Where a capability is; 0 when it is not. The list is checked on the way: none overlaps. */
static unsigned int ss_cap(uint8_t id)
{
	unsigned int at = ss_read32(0x34) & 0xff, found = 0;

	for (int i = 0; at; i++) {
		uint32_t head = ss_read32(at);

		OK(i < 8, "capabilities go round in circles");
		if ((head & 0xff) == id)
			found = at;
		OK(!(head >> 8 & 0xff) || (head >> 8 & 0xff) >= at + 8, "capabilities overlap");
		at = head >> 8 & 0xff;
	}
	return found;
}

static unsigned int ss_dvsec(uint16_t vendor, uint16_t id)
{
	for (unsigned int at = 0x100; at; at = ss_read32(at) >> 20) {
		uint16_t cap = ss_read32(at) & 0xffff;

		OK(cap == 0x23 || cap == 1, "neither DVSEC nor AER: capability 0x%x", cap);
		if (cap == 0x23 && (ss_read32(at + 4) & 0xffff) == vendor &&
		    (ss_read32(at + 8) & 0xffff) == id)
			return at;
	}
	return 0;
}

/* A BAR mapped through sysfs, decoding on. */
static volatile char *ss_bar(int bar, size_t size)
{
	char path[256], name[16];
	void *p;
	int fd;

	EQ(pci_attr_write(gpu.bdf, "enable", "1"), 0, "enable: errno");
	snprintf(name, sizeof(name), "resource%d", bar);
	pci_path(path, sizeof(path), gpu.bdf, name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	OK(fd >= 0, "%s: %s", path, strerror(errno));
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	OK(p != MAP_FAILED, "%s: mmap: %s", path, strerror(errno));
	close(fd);
	return p;
}

static uint32_t ss_reg(volatile char *bar0, unsigned int at)
{
	return *(volatile uint32_t *)(bar0 + at);
}

/* Device memory as a CPU sees it. */
static volatile uint64_t *ss_mem(uint64_t offset, size_t size)
{
	int fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	void *p;

	OK(fd >= 0, "/dev/mem: %s", strerror(errno));
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		 (off_t)(gpu.mem_base + offset));
	OK(p != MAP_FAILED, "/dev/mem: mmap: %s", strerror(errno));
	close(fd);
	return p;
}

static const struct ss_preset {
	const char *name;
	unsigned int device;
	uint64_t size, bar0, bar2;
	bool fixed, cxl;
} ss_presets[] = {
	{"gh200-96", 0x2342, 96 * GiB, 16 * MiB, 0, false, false},
	{"gh200-144", 0x2348, 144 * GiB, 16 * MiB, 0, false, false},
	{"gb200", 0x2941, 185 * GiB, 8 * MiB, 8 * MiB, true, false},
	{"gb300", 0x31c2, 276 * GiB, 8 * MiB, 8 * MiB, true, false},
	{"cxl", 0x2941, 185 * GiB, 16 * MiB, 0, true, true},
	{"tiny", 0x2342, 1536 * MiB, 16 * MiB, 0, false, false},
	{"gh200-480", 0x2345, 96 * GiB, 16 * MiB, 0, false, false},
};

static void preset(void)
{
	const struct ss_preset *p = &ss_presets[ktap_arg()];
	const struct gpu_want w = {.preset = p->name};
	unsigned int exp, dvsec;

	ss_make(&w);
	EQ(gpu.mem_size, p->size, "mem_size");
	EQ(ss_read32(0), p->device << 16 | 0x10de, "vendor and device");
	EQ(ss_read32(8) >> 8, 0x030200, "class");
	EQ(pci_bar_size(gpu.bdf, 0), p->bar0, "BAR0");
	EQ(pci_bar_size(gpu.bdf, 2), p->bar2, "BAR2");
	OK(ss_cap(1), "no power management capability");
	exp = ss_cap(0x10);
	OK(exp && ss_read32(exp + 4) & 1 << 28, "no PCIe capability with FLR");
	dvsec = ss_dvsec(0x10de, 3);
	EQ(!dvsec, !strcmp(p->name, "gh200-480"), "no NVIDIA DVSEC");
	EQ(dvsec && ss_read32(dvsec + 8) >> 16 & 1, p->fixed, "MIG bug fixed");
	EQ(!!ss_dvsec(0x1e98, 0), p->cxl, "CXL DVSEC");
	/* With a device tree, a function comes to its group with its first driver. */
	EQ(pci_module_insert("vfio-pci"), 0, "modprobe vfio-pci");
	pci_bind(gpu.bdf, "vfio-pci");
	OK(pci_iommu_group(gpu.bdf) >= 0, "no IOMMU group");
}

/* Both BARs are memory that is there, and not the same. */
static void bars_are_memory(void)
{
	const struct gpu_want w = {.preset = "gb200", .mem_size = "2G"};
	volatile char *bar0, *bar2;

	ss_make(&w);
	bar0 = ss_bar(0, 8 * MiB);
	bar2 = ss_bar(2, 8 * MiB);
	for (size_t at = 0x3000; at < 8 * MiB; at += MiB) {
		*(volatile uint32_t *)(bar0 + at) = at;
		*(volatile uint32_t *)(bar2 + at) = ~at;
	}
	for (size_t at = 0x3000; at < 8 * MiB; at += MiB) {
		EQ(ss_reg(bar0, at), at, "BAR0 + 0x%zx", at);
		EQ(ss_reg(bar2, at), (uint32_t)~at, "BAR2 + 0x%zx", at);
	}
}

static void properties(void)
{
	const struct gpu_want none = {.preset = "tiny", .properties = "none"};
	char path[256];

	ss_make(&none);
	pci_path(path, sizeof(path), gpu.bdf, "software_node");
	OK(!util_exists(path), "properties although there are none");
	ss_tiny();
	pci_path(path, sizeof(path), gpu.bdf, "software_node");
	OK(util_exists(path), "no properties");
	/* A function that is removed and found again has them again. */
	EQ(pci_attr_write(gpu.bdf, "remove", "1"), 0, "remove: errno");
	OK(!util_exists(path), "properties of a removed function");
	EQ(util_write("/sys/bus/pci/rescan", "1"), 0, "rescan: errno");
	OK(util_exists(path), "no properties after a rescan");
}

static void memory_file(void)
{
	const struct gpu_want w = {.preset = "gh200-96"};
	const uint64_t at[] = {0, 4095, 48 * GiB - 3, 95 * GiB, 96 * GiB - 300000};
	static unsigned char out[300000], in[300000];
	char path[256];
	int fd;

	ss_make(&w);
	sim_fault(gpu.name, "train", "1");
	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		ktap_fill(out, sizeof(out), at[i]);
		sim_mem_write(gpu.name, at[i], out, sizeof(out));
		sim_mem_read(gpu.name, at[i], in, sizeof(in));
		BYTES(in, out, sizeof(in), "at 0x%llx", (unsigned long long)at[i]);
	}
	snprintf(path, sizeof(path), SIM_DEBUGFS "/%s/memory", gpu.name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	OK(fd >= 0, "%s: %s", path, strerror(errno));
	EQ(lseek(fd, 0, SEEK_END), 96 * GiB, "end of file");
	EQ(pread(fd, in, 10, 96 * GiB - 4), 4, "read across the end");
	EQ(pread(fd, in, 10, 96 * GiB), 0, "read at the end");
	EQ(pwrite(fd, in, 10, 96 * GiB), -1, "write at the end");
	EQ(errno, ENOSPC, "write at the end: errno");
	/* With the GPU gone the file stays, and says so. */
	sim_set(gpu.name, "enable", "0");
	EQ(pread(fd, in, 10, 0), -1, "read of a disabled GPU");
	EQ(errno, ENODEV, "read of a disabled GPU: errno");
	close(fd);
}

static void both_sides(void)
{
	volatile uint64_t *p;
	uint64_t value = 0;

	ss_tiny();
	sim_fault(gpu.name, "train", "1");
	for (uint64_t at = 0; at < gpu.mem_size; at += 192 * MiB) {
		p = ss_mem(at, 4096);
		p[1] = at + 1;
		sim_mem_read(gpu.name, at + 8, &value, 8);
		EQ(value, at + 1, "device's side at 0x%llx", (unsigned long long)at);
		value = ~at;
		sim_mem_write(gpu.name, at + 16, &value, 8);
		EQ(p[2], ~at, "CPU's side at 0x%llx", (unsigned long long)at);
		munmap((void *)(uintptr_t)p, 4096);
	}
	EQ(sim_state(gpu.name, "ras_events"), 0, "RAS events");
}

static const struct ss_train {
	const char *mode;
	unsigned int c2c, hbm;
} ss_trains[] = {
	{"normal", 0xff, 0xff}, {"stuck-c2c", 0, 0xff}, {"stuck-hbm", 0xff, 0},
	{"stuck", 0, 0},	{"manual", 0, 0},
};

static void training(void)
{
	const struct ss_train *t = &ss_trains[ktap_arg()];
	volatile char *bar0;

	ss_tiny();
	sim_fault(gpu.name, "train", "1");
	bar0 = ss_bar(0, 4 * MiB);
	EQ(ss_reg(bar0, SIM_C2C), 0xff, "C2C");
	EQ(ss_reg(bar0, SIM_HBM), 0xff, "HBM");
	sim_fault(gpu.name, "training", "manual");
	EQ(pci_reset(gpu.bdf), 0, "reset: errno");
	EQ(sim_state(gpu.name, "ready"), 0, "ready right after the reset");
	EQ(ss_reg(bar0, SIM_C2C), 0, "C2C right after the reset");
	EQ(ss_reg(bar0, SIM_HBM), 0, "HBM right after the reset");
	sim_fault(gpu.name, "training", t->mode);
	sim_fault(gpu.name, "training_ms", "100");
	EQ(pci_reset(gpu.bdf), 0, "reset: errno");
	for (int i = 0; i < 500 && ss_reg(bar0, SIM_C2C) + ss_reg(bar0, SIM_HBM) < t->c2c + t->hbm;
	     i++)
		ktap_sleep(0.02);
	ktap_sleep(0.3);
	EQ(ss_reg(bar0, SIM_C2C), t->c2c, "C2C at last");
	EQ(ss_reg(bar0, SIM_HBM), t->hbm, "HBM at last");
	EQ(sim_state(gpu.name, "ready"), t->c2c && t->hbm, "ready at last");
	sim_fault(gpu.name, "train", "1");
	EQ(sim_state(gpu.name, "ready"), 1, "ready when told to");
	EQ(ss_reg(bar0, SIM_C2C) & ss_reg(bar0, SIM_HBM), 0xff, "registers when told to");
	sim_fault(gpu.name, "untrain", "1");
	EQ(sim_state(gpu.name, "ready"), 0, "ready although lost");
	EQ(ss_reg(bar0, SIM_C2C) | ss_reg(bar0, SIM_HBM), 0, "registers although lost");
}

static void training_cxl(void)
{
	const struct gpu_want w = {.preset = "cxl", .mem_size = "2G"};
	unsigned int low;

	ss_make(&w);
	low = ss_dvsec(0x1e98, 0) + 0x1c;
	sim_fault(gpu.name, "train", "1");
	EQ(ss_read32(low) & 3, 3, "valid and active");
	EQ(ss_read32(low) >> 28, 2 * GiB >> 28, "size");
	sim_fault(gpu.name, "training", "stuck-hbm");
	sim_fault(gpu.name, "cxl_allowance", "3");
	EQ(pci_reset(gpu.bdf), 0, "reset: errno");
	EQ(ss_read32(low) >> 13 & 7, 3, "time allowed");
	for (int i = 0; i < 500 && !(ss_read32(low) & 3); i++)
		ktap_sleep(0.02);
	ktap_sleep(0.3);
	EQ(ss_read32(low) & 3, 1, "valid and not active");
}

static const struct ss_reset {
	const char *method, *kind;
} ss_reset[] = {{"flr", "flr"}, {"pm", "pm"}, {"bus", "hot"}};

static void reset(void)
{
	/* Linux refuses to reset the bus of a GH200, but not of a GB200. */
	const struct gpu_want w = {.preset = "gb200", .mem_size = "1G"};
	const struct ss_reset *r = &ss_reset[ktap_arg()];
	uint64_t value = 0x600d, got = 0;
	volatile char *bar0;
	uint32_t base;

	ss_make(&w);
	sim_fault(gpu.name, "train", "1");
	bar0 = ss_bar(0, 4 * MiB);
	base = ss_read32(0x10);
	sim_mem_write(gpu.name, 0, &value, 8);
	sim_fault(gpu.name, "training", "manual");
	for (unsigned int i = 1; i <= 3; i++) {
		EQ(pci_attr_write(gpu.bdf, "reset_method", r->method), 0, "reset_method: errno");
		EQ(pci_reset(gpu.bdf), 0, "reset: errno");
		for (size_t k = 0; k < ARRAY_LEN(ss_reset); k++)
			EQ(sim_resets(gpu.name, ss_reset[k].kind), &ss_reset[k] == r ? i : 0, "%s",
			   ss_reset[k].kind);
		EQ(ss_read32(0x10), base, "BAR0 as the kernel restores it");
		EQ(ss_reg(bar0, SIM_C2C), 0, "C2C after the reset");
		sim_fault(gpu.name, "train", "1");
		EQ(ss_reg(bar0, SIM_C2C), 0xff, "C2C after training");
		sim_mem_read(gpu.name, 0, &got, 8);
		EQ(got, value, "memory is kept");
	}
}

/* Written by hand: what the image has is gone, and the kernel does not restore it. */
static void flr_clears_config(void)
{
	unsigned int exp;

	ss_tiny();
	EQ(pci_attr_write(gpu.bdf, "enable", "1"), 0, "enable: errno");
	exp = ss_cap(0x10);
	OK(ss_read32(4) & 2, "memory is not decoded");
	ss_write16(exp + 8, 1 << 15);
	EQ(ss_read32(4) & 7, 0, "command");
	EQ(ss_read32(0x10), 0xc, "BAR0");
	EQ(ss_read32(exp + 8) & 1 << 15, 0, "the bit that starts an FLR");
	EQ(sim_resets(gpu.name, "flr"), 1, "FLRs");
}

static void flr_slow(void)
{
	unsigned int exp;

	ss_tiny();
	exp = ss_cap(0x10);
	sim_fault(gpu.name, "flr", "slow");
	sim_fault(gpu.name, "flr_ms", "1000");
	ss_write16(exp + 8, 1 << 15);
	EQ(ss_read32(0), UINT32_MAX, "identity right away");
	for (int i = 0; i < 500 && ss_read32(0) == UINT32_MAX; i++)
		ktap_sleep(0.02);
	EQ(ss_read32(0), 0x234210de, "identity later");
	EQ(pci_reset(gpu.bdf), 0, "reset: errno");
}

static const struct ss_scrub {
	const char *how, *mem_size;
	bool clears_ends, clears_middle;
} ss_scrubs[] = {
	{"0", "1536M", false, false},
	{"1", "1536M", true, true},
	{"1", "2560M", true, false},
	{"all", "2560M", true, true},
};

/* What a reset leaves of memory, where windows begin and end, and elsewhere. */
static void scrub(void)
{
	const struct ss_scrub *s = &ss_scrubs[ktap_arg()];
	const struct gpu_want w = {.preset = "tiny", .mem_size = s->mem_size, .scrub = s->how};
	const uint64_t middle[] = {100 * MiB - 4, 1024 * MiB, 1500 * MiB};
	uint64_t ends[3] = {0}, value;
	double begun;

	ss_make(&w);
	ends[1] = gpu.mem_size - GiB;
	ends[2] = gpu.mem_size - 8;
	sim_fault(gpu.name, "train", "1");
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		sim_mem_write(gpu.name, ends[i], &(uint64_t){7}, 8);
		sim_mem_write(gpu.name, middle[i], &(uint64_t){8}, 8);
	}
	begun = ktap_now();
	EQ(pci_reset(gpu.bdf), 0, "reset: errno");
	sim_fault(gpu.name, "train", "1");
	ktap_diag("reset with scrub %s: %.1f s", s->how, ktap_now() - begun);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		sim_mem_read(gpu.name, ends[i], &value, 8);
		EQ(value, s->clears_ends ? 0 : 7, "at 0x%llx", (unsigned long long)ends[i]);
		sim_mem_read(gpu.name, middle[i], &value, 8);
		EQ(value, s->clears_middle ? 0 : 8, "at 0x%llx", (unsigned long long)middle[i]);
	}
}

/* While it is not ready a CPU reads ~0 and writes in vain, and both sorts of event are counted. */
static void early_access(void)
{
	char path[256], text[128];
	volatile uint64_t *p;
	uint64_t value = 1;

	ss_tiny();
	sim_fault(gpu.name, "train", "1");
	sim_mem_write(gpu.name, 0, &(uint64_t){0x600d}, 8);
	sim_fault(gpu.name, "untrain", "1");
	EQ(sim_state(gpu.name, "ras_events"), 0, "RAS events before");
	sim_mem_read(gpu.name, 0, &value, 8);
	EQ(value, 0x600d, "the device's side");
	p = ss_mem(0, 4096);
	EQ(sim_state(gpu.name, "ras_events"), 1, "RAS events of a mapping");
	EQ(p[0], UINT64_MAX, "an early read");
	p[0] = 0xbad;
	sim_fault(gpu.name, "train", "1");
	EQ(p[0], 0x600d, "a read later");
	snprintf(path, sizeof(path), SIM_DEBUGFS "/%s/ras_detail", gpu.name);
	EQ(util_read(path, text, sizeof(text)), 0, "ras_detail: errno");
	OK(!strcmp(text, "written 1\nmapped 1"), "ras_detail: %s", text);
	sim_fault(gpu.name, "ras_events", "0");
	EQ(sim_state(gpu.name, "ras_events"), 0, "RAS events when cleared");
	p[0] = 1;
	sim_mem_read(gpu.name, 0, &value, 8);
	EQ(value, 1, "a write when ready");
	EQ(sim_state(gpu.name, "ras_events"), 0, "RAS events when ready");
}

static void two_gpus(void)
{
	const struct gpu_want w = {.preset = "tiny"};
	uint64_t value;
	struct gpu g[2];

	ss_make(&w);
	for (int i = 0; i < 2; i++) {
		if (i)
			gpu_make(&g[i], i, &w);
		else
			g[i] = gpu;
		sim_fault(g[i].name, "train", "1");
		value = 100 + i;
		sim_mem_write(g[i].name, 0, &value, 8);
	}
	OK(strcmp(g[0].bdf, g[1].bdf), "both at %s", g[0].bdf);
	OK(g[1].mem_base >= g[0].mem_base + g[0].mem_size, "memories overlap");
	EQ(pci_reset(g[1].bdf), 0, "reset: errno");
	EQ(sim_resets(g[0].name, "flr"), 0, "FLRs of the other");
	for (int i = 0; i < 2; i++) {
		sim_mem_read(g[i].name, 0, &value, 8);
		EQ(value, 100 + i, "GPU %d", i);
	}
}

static void dead(void)
{
	ss_tiny();
	sim_fault(gpu.name, "dead", "1");
	EQ(ss_read32(0), UINT32_MAX, "identity of a dead device");
	ss_write16(4, 0);
	sim_fault(gpu.name, "dead", "0");
	EQ(ss_read32(0), 0x234210de, "identity");
}

static void unplug(void)
{
	char path[256];

	ss_tiny();
	pci_path(path, sizeof(path), gpu.bdf, "vendor");
	sim_fault(gpu.name, "unplug", "1");
	for (int i = 0; i < 200 && util_exists(path); i++)
		ktap_sleep(0.02);
	OK(!util_exists(path), "%s is still there", gpu.bdf);
	sim_set(gpu.name, "enable", "0");
	EQ(ss_read32(0), 0x11101af4, "the stock function");
	sim_set(gpu.name, "enable", "1");
	EQ(ss_read32(0), 0x234210de, "the GPU");
}

static void reset_from_outside(void)
{
	ss_tiny();
	sim_fault(gpu.name, "reset_after_ms", "500");
	EQ(sim_resets(gpu.name, "flr"), 0, "FLRs right away");
	for (int i = 0; i < 500 && !sim_resets(gpu.name, "flr"); i++)
		ktap_sleep(0.02);
	EQ(sim_resets(gpu.name, "flr"), 1, "FLRs later");
}

static void faults_before_enable(void)
{
	sim_load();
	sim_remove_all();
	sim_create("t0");
	sim_set("t0", "preset", "tiny");
	sim_fault("t0", "training", "manual");
	sim_set("t0", "enable", "1");
	ktap_sleep(0.3);
	EQ(sim_state("t0", "ready"), 0, "ready");
}

static void comes_and_goes(void)
{
	int rounds = ktap_quick() ? 20 : 100;

	ss_tiny();
	EQ(sim_unload_power(), 0, "removing who else keeps the module: errno");
	for (int i = 0; i < rounds; i++) {
		sim_set(gpu.name, "enable", "0");
		EQ(ss_read32(0), 0x11101af4, "round %d: the stock function", i);
		EQ(pci_bar_size(gpu.bdf, 2), 16 * MiB, "round %d: its BAR2", i);
		sim_set(gpu.name, "enable", "1");
		EQ(ss_read32(0), 0x234210de, "round %d: the GPU", i);
	}
	/* rmdir takes an enabled GPU along; the module goes only when none is left. */
	EQ(pci_module_remove("cohgpu_sim"), EWOULDBLOCK, "delete_module with a GPU: errno");
	EQ(rmdir(SIM_CONFIGFS "/t0"), 0, "rmdir: errno");
	EQ(ss_read32(0), 0x11101af4, "the stock function");
	EQ(pci_module_remove("cohgpu_sim"), 0, "delete_module: errno");
	EQ(ss_read32(0), 0x11101af4, "the stock function without the module");
	OK(!util_exists(SIM_DEBUGFS), "debugfs files left");
	sim_load();
}

static const struct ktap_case cases[] = {
	KTAP_CASE_ARG("preset_gh200_96", preset, 0),
	KTAP_CASE_ARG("preset_gh200_144", preset, 1),
	KTAP_CASE_ARG("preset_gb200", preset, 2),
	KTAP_CASE_ARG("preset_gb300", preset, 3),
	KTAP_CASE_ARG("preset_cxl", preset, 4),
	KTAP_CASE_ARG("preset_tiny", preset, 5),
	KTAP_CASE_ARG("preset_gh200_480", preset, 6),
	KTAP_CASE(bars_are_memory),
	KTAP_CASE(properties),
	KTAP_CASE(memory_file),
	KTAP_CASE(both_sides),
	KTAP_CASE_ARG("training_normal", training, 0),
	KTAP_CASE_ARG("training_stuck_c2c", training, 1),
	KTAP_CASE_ARG("training_stuck_hbm", training, 2),
	KTAP_CASE_ARG("training_stuck", training, 3),
	KTAP_CASE_ARG("training_manual", training, 4),
	KTAP_CASE(training_cxl),
	KTAP_CASE_ARG("reset_flr", reset, 0),
	KTAP_CASE_ARG("reset_pm", reset, 1),
	KTAP_CASE_ARG("reset_hot", reset, 2),
	KTAP_CASE(flr_clears_config),
	KTAP_CASE(flr_slow),
	KTAP_CASE_ARG("scrub_nothing", scrub, 0),
	KTAP_CASE_ARG("scrub_small", scrub, 1),
	KTAP_CASE_ARG("scrub_parts", scrub, 2),
	KTAP_CASE_ARG("scrub_all", scrub, 3),
	KTAP_CASE(early_access),
	KTAP_CASE(two_gpus),
	KTAP_CASE(dead),
	KTAP_CASE(unplug),
	KTAP_CASE(reset_from_outside),
	KTAP_CASE(faults_before_enable),
	KTAP_CASE(comes_and_goes),
};

int main(int argc, char **argv)
{
	return ktap_main("sim", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
