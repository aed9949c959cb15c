// SPDX-License-Identifier: GPL-2.0-only
/*
 * spec/nvlink2.md sections 2 to 5: what firmware says becomes regions and capabilities, the ATSD
 * register's rules, and what is missing costs only what depends on it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nvlink.h"
#include "trace.h"

#define REGION_RW   (VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE)
#define REGION_CAPS (REGION_RW | VFIO_REGION_INFO_FLAG_CAPS)
#define REGION_ALL  (REGION_CAPS | VFIO_REGION_INFO_FLAG_MMAP)

static struct nvlink nv, other;

static const struct nvlink_want plain_want = {.links = NULL};

static void gpu_region(void)
{
	static const char *const presets[] = {"v100-16", "v100-32"};

	for (size_t i = 0; i < ARRAY_LEN(presets); i++) {
		const struct nvlink_want want = {.preset = presets[i]};
		struct nvlink_region r;

		nvlink_open(&nv, &want);
		r = nvlink_ram(&nv.gpu.vfio);
		OK(r.found, "%s: no region 10de, subtype 1", presets[i]);
		EQ(nvlink_regions(&nv.gpu.vfio), VFIO_PCI_NUM_REGIONS + 1, "regions");
		EQ(r.size, NVLINK_WINDOW, "size");
		EQ(r.flags, REGION_ALL, "flags");
		EQ(r.offset, (uint64_t)r.index << 40, "offset");
		EQ(r.caps, 2, "capabilities");
		OK(r.has_tgt, "no SSATGT capability");
		OK(!r.has_speed, "LNKSPD capability on a GPU");
		OK(!nvlink_atsd(&nv.gpu.vfio).found, "ATSD region on a GPU");
		nvlink_close(&nv);
	}
}

static void bridge_regions(void)
{
	uint64_t tgt;

	nvlink_open(&nv, &plain_want);
	EQ(nv.links, NVLINK_LINKS, "links");
	tgt = nvlink_ram(&nv.gpu.vfio).tgt;
	for (int i = 0; i < nv.links; i++) {
		struct nvlink_region r = nvlink_atsd(&nv.bridge[i]);

		OK(r.found, "bridge %d: no region 1014, subtype 1", i);
		EQ(r.size, NVLINK_ATSD, "bridge %d: size", i);
		EQ(r.flags, REGION_ALL, "bridge %d: flags", i);
		EQ(r.caps, 3, "bridge %d: capabilities", i);
		OK(r.has_tgt && r.tgt == tgt, "bridge %d: tgt is not its GPU's", i);
		OK(r.has_speed, "bridge %d: no LNKSPD capability", i);
		EQ(r.speed, 9, "bridge %d: speed", i);
		OK(!nvlink_ram(&nv.bridge[i]).found, "bridge %d: RAM region", i);
	}
}

/*
 * P12: the reader's buffer is dirty, and so is the driver's stack, where it is built like that
 * (amd64-7.2-debug); elsewhere it may be.
 */
static void P12_pads_are_zero(void)
{
	nvlink_open(&nv, &plain_want);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < nv.links; i++) {
			struct nvlink_region r = nvlink_atsd(&nv.bridge[i]);

			EQ(r.pad, 0, "capability 5: pad");
			EQ(r.old_pad, 0, "capability 4, first form: pad");
		}
		EQ(nvlink_ram(&nv.gpu.vfio).old_speed, -1, "GPU: bytes behind capability 4");
	}
}

static void first_form_of_capability_4(void)
{
	struct nvlink_region r;

	nvlink_open(&nv, &plain_want);
	r = nvlink_atsd(&nv.bridge[0]);
	EQ(r.old_speed, r.speed, "speed in capability 4 and in capability 5");
}

static void two_gpus_by_tgt(void)
{
	const struct nvlink_want first = {.links = "1"}, second = {.links = "1", .first_link = "1"};
	uint64_t a, b;

	nvlink_make(&nv, 0, &first);
	nvlink_make(&other, 1, &second);
	nvlink_bind(&nv);
	nvlink_bind(&other);
	vfio_open(&nv.gpu.vfio, nv.gpu.bdf);
	vfio_open(&other.gpu.vfio, other.gpu.bdf);
	a = nvlink_ram(&nv.gpu.vfio).tgt;
	b = nvlink_ram(&other.gpu.vfio).tgt;
	OK(a != b, "both GPUs have tgt 0x%llx", (unsigned long long)a);
	vfio_close(&nv.gpu.vfio);
	vfio_close(&other.gpu.vfio);
	for (int i = 0; i < 2; i++) {
		struct vfio_dev *v = i ? &other.bridge[0] : &nv.bridge[0];
		char bdf[PCI_BDF_SIZE];

		memcpy(bdf, v->bdf, sizeof(bdf));
		vfio_open(v, bdf);
		EQ(nvlink_atsd(v).tgt, i ? b : a, "bridge of GPU %d: tgt", i);
		vfio_close(v);
	}
}

/* What is left when a property is missing: bits, for the GPU and for its bridges. */
#define HAS_RAM	   1
#define HAS_GTGT   2
#define HAS_ATSD   4
#define HAS_BTGT   8
#define HAS_SPEED  16
#define HAS_BRIDGE 32
#define HAS_ALL	   63

/* @node: which the warning names, NULL: the bridge's. A plain function is named by its address. */
static const struct missing {
	const char *property;
	unsigned int left;
	const char *node, *log;
} missing[] = {
	{"ibm,npu", HAS_ALL & ~(HAS_RAM | HAS_GTGT), "plain vfio-pci", "does not give ibm,npu"},
	{"ibm,gpu", HAS_RAM | HAS_GTGT, "plain vfio-pci", "does not give ibm,gpu"},
	{"memory-region", HAS_ALL & ~(HAS_RAM | HAS_GTGT), "pci@0: ", "memory-region: missing"},
	{"reg", HAS_ALL & ~(HAS_RAM | HAS_GTGT), "memory@", "reg: missing"},
	{"ibm,device-tgt-addr", HAS_ALL & ~(HAS_GTGT | HAS_BTGT), NULL,
	 "ibm,device-tgt-addr: missing"},
	{"ibm,nvlink-speed", HAS_ALL & ~HAS_SPEED, NULL, "ibm,nvlink-speed: missing"},
	{"ibm,nvlink", HAS_ALL & ~HAS_ATSD, NULL, "ibm,npu-link-index: missing"},
	{"ibm,npu-link-index", HAS_ALL & ~HAS_ATSD, NULL, "ibm,npu-link-index: missing"},
	{"ibm,mmio-atsd", HAS_ALL & ~HAS_ATSD, NULL, "ibm,mmio-atsd above it has 0"},
};

/*
 * ACPI's names have four letters, filled up with _, which the kernel's log leaves out; and the \ that
 * they begin with is written another way there.
 */
static void unfill(char *path)
{
	char *to = path;

	for (const char *from = path; *from; from++) {
		size_t fill = strspn(from, "_");

		if (fill && (from[fill] == '.' || !from[fill]))
			from += fill - 1;
		else
			*to++ = *from;
	}
	*to = 0;
}

/* The machine's own firmware has a node for it, ACPI's or the device tree's; else the simulator. */
static const char *bridge_node(void)
{
	static char name[256];
	char path[128], tree[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/firmware_node/path",
		 nv.bridge[0].bdf);
	if (!util_read(path, name, sizeof(name))) {
		unfill(name);
		return name + strspn(name, "\\");
	}
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/of_node", nv.bridge[0].bdf);
	n = readlink(path, tree, sizeof(tree) - 1);
	if (n < 0)
		return "pci@0";
	tree[n] = 0;
	snprintf(name, sizeof(name), "%s", strrchr(tree, '/') + 1);
	return name;
}

static unsigned int what_is_left(void)
{
	struct nvlink_region ram = nvlink_ram(&nv.gpu.vfio), atsd = nvlink_atsd(&nv.bridge[0]);
	unsigned int left = 0;

	left |= ram.found ? HAS_RAM : 0;
	left |= ram.has_tgt ? HAS_GTGT : 0;
	left |= atsd.found ? HAS_BRIDGE : 0;
	left |= atsd.size ? HAS_ATSD : 0;
	left |= atsd.has_tgt ? HAS_BTGT : 0;
	left |= atsd.has_speed ? HAS_SPEED : 0;
	return left;
}

static void property_missing(void)
{
	for (size_t i = 0; i < ARRAY_LEN(missing); i++) {
		const struct nvlink_want want = {.links = "1", .without = missing[i].property};
		const char *words[] = {missing[i].node, missing[i].log, NULL};
		int mark = util_log_mark();
		uint32_t id = 0;

		nvlink_open(&nv, &want);
		EQ(what_is_left(), missing[i].left, "without %s: what is left",
		   missing[i].property);
		words[0] = words[0] ? words[0] : bridge_node();
		OK(util_log_has(mark, words), "without %s: the log does not say '%s' of '%s'",
		   missing[i].property, words[1], words[0]);
		/* Whatever it lacks, it is a PCI function. */
		id = vfio_cfg32(&nv.gpu.vfio, 0);
		EQ(id, 0x1db110de, "without %s: the GPU's IDs", missing[i].property);
		EQ(vfio_cfg32(&nv.bridge[0], 0), 0x04ea1014, "without %s: the bridge's IDs",
		   missing[i].property);
		nvlink_close(&nv);
	}
}

#define NO_RAM	"firmware node"
#define NO_ATSD "ibm,mmio-atsd 0 is"

static const struct absurd {
	struct nvlink_want want;
	unsigned int left;
	const char *what, *rule;
} absurd[] = {
	{{.prop_base = "0x1000000001"}, HAS_ALL & ~(HAS_RAM | HAS_GTGT), NO_RAM, "page boundary"},
	{{.prop_size = "0"}, HAS_ALL & ~(HAS_RAM | HAS_GTGT), NO_RAM, "large enough"},
	{{.prop_size = "0x2000000001"}, HAS_ALL & ~(HAS_RAM | HAS_GTGT), NO_RAM, "whole pages"},
	{{.prop_size = "2T"}, HAS_ALL & ~(HAS_RAM | HAS_GTGT), NO_RAM, "region limit"},
	{{.prop_base = "0xffffffffffff0000", .prop_size = "128K"},
	 HAS_ALL & ~(HAS_RAM | HAS_GTGT),
	 NO_RAM,
	 "below 2^64"},
	{{.prop_size = "0xffffffffffff0000"},
	 HAS_ALL & ~(HAS_RAM | HAS_GTGT),
	 NO_RAM,
	 "below 2^64"},
	{{.prop_base = "0x4000000000000000"},
	 HAS_ALL & ~(HAS_RAM | HAS_GTGT),
	 NO_RAM,
	 "physical addresses"},
	{{.prop_atsd = "0x4000000000000000"}, HAS_ALL & ~HAS_ATSD, NO_ATSD, "CPU can form"},
	{{.prop_atsd = "0"}, HAS_ALL & ~HAS_ATSD, NO_ATSD, "multiple of 64 KiB"},
	{{.prop_atsd = "0x1000001000"}, HAS_ALL & ~HAS_ATSD, NO_ATSD, "multiple of 64 KiB"},
	{{.prop_atsd = "0xffffffffffff0000"}, HAS_ALL & ~HAS_ATSD, NO_ATSD, "CPU can form"},
};

/* Firmware is not believed what cannot be; and that, too, costs only what depends on it. */
static void absurd_values(void)
{
	for (size_t i = 0; i < ARRAY_LEN(absurd); i++) {
		const struct absurd *a = &absurd[i];
		const char *const words[] = {a->what, a->rule, NULL};
		struct nvlink_want want = a->want;
		int mark = util_log_mark();

		want.links = "1";
		nvlink_open(&nv, &want);
		EQ(what_is_left(), a->left, "row %zu (%s): what is left", i, a->rule);
		OK(util_log_has(mark, words), "row %zu: the log does not say '%s'", i, a->rule);
		nvlink_close(&nv);
	}
}

/* P2: no register, no mapping; and what is there for its capabilities is there. */
static void P2_no_atsd(void)
{
	const struct nvlink_want want = {.atsd = "0"};
	struct nvlink_region r;
	uint64_t value;

	nvlink_open(&nv, &want);
	r = nvlink_atsd(&nv.bridge[0]);
	OK(r.found, "no region");
	EQ(r.size, 0, "size");
	EQ(r.flags, REGION_CAPS, "flags");
	OK(r.has_tgt && r.has_speed, "capabilities");
	EQ(vfio_map_errno(&nv.bridge[0], VFIO_SPECIAL, 0, NVLINK_ATSD, PROT_READ, MAP_SHARED),
	   EINVAL, "mmap of 64 KiB");
	EQ(vfio_map_errno(&nv.bridge[0], VFIO_SPECIAL, 0, util_page(), PROT_READ, MAP_SHARED),
	   EINVAL, "mmap of a page");
	EQ(vfio_read(&nv.bridge[0], VFIO_SPECIAL, 0, &value, 8), -EINVAL, "read");
	EQ(vfio_write(&nv.bridge[0], VFIO_SPECIAL, 0, &value, 8), -EINVAL, "write");
}

static void atsd_registers_are_apart(void)
{
	nvlink_open(&nv, &plain_want);
	for (uint64_t i = 0; i < NVLINK_LINKS; i++) {
		uint64_t value = i + 1;

		vfio_put(&nv.bridge[i], VFIO_SPECIAL, 0, &value, 8);
	}
	for (uint64_t i = 0; i < NVLINK_LINKS; i++) {
		uint64_t value;

		vfio_get(&nv.bridge[i], VFIO_SPECIAL, 0, &value, 8);
		EQ(value, i + 1, "register of link %d", (int)i);
	}
}

/* Old firmware: one register, which is the first GPU's. */
static void atsd_shared_by_one_gpu_only(void)
{
	const struct nvlink_want first = {.atsd = "1"};
	const struct nvlink_want second = {.atsd = "1", .first_link = "3"};
	const char *const words[] = {"shares ATSD register 0", NULL};
	uint64_t value = ktap_random(), got;
	int mark = util_log_mark();

	nvlink_open(&nv, &first);
	vfio_put(&nv.bridge[1], VFIO_SPECIAL, 8, &value, 8);
	vfio_get(&nv.bridge[2], VFIO_SPECIAL, 8, &got, 8);
	EQ(got, value, "link 1's register through link 2");
	vfio_get(&nv.bridge[0], VFIO_SPECIAL, 8, &got, 8);
	EQ(got, value, "link 1's register through link 0");
	OK(util_log_has(mark, words), "the log does not say that it is shared");
	nvlink_close(&nv);

	nvlink_open(&nv, &second);
	for (int i = 0; i < nv.links; i++)
		EQ(nvlink_atsd(&nv.bridge[i]).size, 0, "link %d of another GPU: size", 3 + i);
}

static void P11_atsd_widths(void)
{
	static const struct {
		uint64_t off;
		size_t count;
		long result;
	} t[] = {
		{0, 8, 8},	     {8, 8, 8},		  {65528, 8, 8},       {0, 1, -EINVAL},
		{0, 2, -EINVAL},     {0, 4, -EINVAL},	  {0, 16, -EINVAL},    {4, 8, -EINVAL},
		{1, 8, -EINVAL},     {65532, 8, -EINVAL}, {65532, 4, -EINVAL}, {65528, 16, -EINVAL},
		{65536, 8, -EINVAL},
	};
	char buf[16] = "ABCDEFGHIJKLMNO";

	nvlink_open(&nv, &plain_want);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		EQ(vfio_read(&nv.bridge[0], VFIO_SPECIAL, t[i].off, buf, t[i].count), t[i].result,
		   "read of %zu at %llu", t[i].count, (unsigned long long)t[i].off);
		EQ(vfio_write(&nv.bridge[0], VFIO_SPECIAL, t[i].off, buf, t[i].count), t[i].result,
		   "write of %zu at %llu", t[i].count, (unsigned long long)t[i].off);
	}
}

/* Bytes keep their order: the register is big-endian, and so is what the guest writes. */
static void atsd_mapping(void)
{
	static const unsigned char bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	const struct vfio_dev *v = &nv.bridge[0];
	const uint64_t size = NVLINK_ATSD;
	uint64_t value = 0;
	void *p;

	nvlink_open(&nv, &plain_want);
	/* Half a page is the whole of it to mmap(). */
	if (util_page() < size)
		EQ(vfio_map_errno(v, VFIO_SPECIAL, 0, size / 2, PROT_READ, MAP_SHARED), EINVAL,
		   "half");
	EQ(vfio_map_errno(v, VFIO_SPECIAL, 0, 2 * size, PROT_READ, MAP_SHARED), EINVAL, "twice");
	EQ(vfio_map_errno(v, VFIO_SPECIAL, size, size, PROT_READ, MAP_SHARED), EINVAL, "behind");
	EQ(vfio_map_errno(v, VFIO_SPECIAL, TiB - size, size, PROT_READ, MAP_SHARED), EINVAL,
	   "the last 64 KiB of the region's offsets");
	EQ(vfio_map_errno(v, VFIO_SPECIAL, 0, size, PROT_READ, MAP_PRIVATE), EINVAL, "private");
	p = vfio_map(v, VFIO_SPECIAL, 0, size);
	vfio_put(v, VFIO_SPECIAL, 16, bytes, sizeof(bytes));
	EQ(vfio_touch_read((char *)p + 16, &value), 0, "load");
	BYTES(&value, bytes, sizeof(bytes), "written, then loaded");
	EQ(vfio_touch_write((char *)p + size - 8, ~value), 0, "store");
	vfio_get(v, VFIO_SPECIAL, size - 8, &value, 8);
	for (int i = 0; i < 8; i++)
		EQ(((unsigned char *)&value)[i], 0xFF - bytes[i], "stored, then read: byte %d", i);
	munmap(p, size);
}

/* Every access to the register is one: neither CPU nor kernel caches it. Memory they do. */
static void cache_attributes(void)
{
	const char *arch = getenv("COHGPU_ARCH");
	uint64_t value;
	void *p;

	if (!arch || strcmp(arch, "amd64"))
		ktap_skip("only x86 tells");
	nvlink_open(&nv, &plain_want);
	p = vfio_map(&nv.bridge[0], VFIO_SPECIAL, 0, NVLINK_ATSD);
	OK(!strcmp(trace_cache_mode(p), "uncached"), "register in user space: not uncached");
	munmap(p, NVLINK_ATSD);
	p = vfio_map(&nv.gpu.vfio, VFIO_SPECIAL, 0, NVLINK_ATSD);
	OK(!strcmp(trace_cache_mode(p), "write-back"), "memory in user space: not cached");
	munmap(p, NVLINK_ATSD);
	vfio_get(&nv.bridge[0], VFIO_SPECIAL, 0, &value, 8);
	OK(util_memtype(nv.gpu.mem_base + NVLINK_WINDOW, "uncached-minus"),
	   "register in the kernel: not uncached");
}

/* The register is the NPU's: the bridge's command register says nothing about it. */
static void atsd_without_memory_enable(void)
{
	uint64_t value = 7;
	void *p;

	nvlink_open(&nv, &plain_want);
	p = vfio_map(&nv.bridge[0], VFIO_SPECIAL, 0, NVLINK_ATSD);
	vfio_memory_enable(&nv.bridge[0], false);
	EQ(vfio_read(&nv.bridge[0], VFIO_SPECIAL, 0, &value, 8), 8, "read");
	EQ(vfio_touch_read(p, &value), 0, "load");
	EQ(vfio_reset(&nv.bridge[0]), 0, "reset");
	EQ(vfio_read(&nv.bridge[0], VFIO_SPECIAL, 0, &value, 8), 8, "read after a reset");
	EQ(vfio_touch_read(p, &value), 0, "load after a reset");
	munmap(p, NVLINK_ATSD);
}

static void resets_bridge(void *done)
{
	EQ(pci_reset(nv.bridge[0].bdf), 0, "sysfs reset: errno");
	*(volatile int *)done = 1;
}

/* Nor does that matter while somebody else resets the bridge: who comes then waits, no more. */
static void atsd_in_a_reset(void)
{
	volatile int *done = ktap_shared(sizeof(*done));
	uint64_t value;
	pid_t pid;
	char *p;

	nvlink_open(&nv, &plain_want);
	p = vfio_map(&nv.bridge[0], VFIO_SPECIAL, 0, NVLINK_ATSD);
	vfio_memory_enable(&nv.bridge[0], false);
	pid = ktap_spawn(resets_bridge, (void *)(uintptr_t)done);
	while (!*done)
		EQ(vfio_read(&nv.bridge[0], VFIO_SPECIAL, 0, &value, 8), 8, "read in a reset");
	ktap_join_ok(pid, 10, "reset");
	EQ(vfio_touch_read(p, &value), 0, "load after it");
	munmap(p, NVLINK_ATSD);
}

static int feature(const struct vfio_dev *v, uint32_t what)
{
	struct vfio_device_feature f = {.argsz = sizeof(f),
					.flags = VFIO_DEVICE_FEATURE_SET | what};

	return ioctl(v->fd, VFIO_DEVICE_FEATURE, &f) ? errno : 0;
}

/* Nor does the function's sleep matter to a register of the NPU. */
static void atsd_while_asleep(void)
{
	uint64_t value = ktap_random(), got;
	volatile char *p;

	nvlink_open(&nv, &plain_want);
	p = vfio_map(&nv.bridge[0], VFIO_SPECIAL, 0, NVLINK_ATSD);
	EQ(feature(&nv.bridge[0], VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY), 0,
	   "LOW_POWER_ENTRY: errno");
	EQ(vfio_touch_write(p, value), 0, "store: signal");
	EQ(vfio_touch_read(p, &got), 0, "load: signal");
	EQ(got, value, "register");
	vfio_get(&nv.bridge[0], VFIO_SPECIAL, 0, &got, 8);
	EQ(got, value, "register, read");
	EQ(feature(&nv.bridge[0], VFIO_DEVICE_FEATURE_LOW_POWER_EXIT), 0, "LOW_POWER_EXIT: errno");
	munmap((void *)(uintptr_t)p, NVLINK_ATSD);
}

static void other_devices(void)
{
	const struct gpu_want stranger = {.vendor = "0x8086", .device = "0x1234"};
	const struct gpu_want grace = {.preset = "tiny"};
	const char *const words[] = {"plain vfio-pci", "ibm,npu", NULL};
	struct gpu g;
	int mark;

	nvlink_make(&nv, 0, &plain_want);
	sim_remove_all();
	gpu_make(&g, 0, &stranger);
	EQ(pci_bind_errno(g.bdf, NVLINK_DRIVER), ENODEV, "binding 8086:1234");
	sim_remove_all();
	mark = util_log_mark();
	gpu_make(&g, 0, &grace);
	EQ(pci_bind_errno(g.bdf, NVLINK_DRIVER), 0, "binding a GPU without NVLink");
	OK(util_log_has(mark, words), "the log does not say that it is plain, and why");
	vfio_open(&g.vfio, g.bdf);
	EQ(nvlink_regions(&g.vfio), VFIO_PCI_NUM_REGIONS, "regions");
	vfio_close(&g.vfio);
}

static void ioctl_edges(void)
{
	struct vfio_region_info info = {.argsz = sizeof(info), .index = VFIO_SPECIAL + 1};

	nvlink_open(&nv, &plain_want);
	EQ(ioctl(nv.gpu.vfio.fd, VFIO_DEVICE_GET_REGION_INFO, &info), -1, "one region too far");
	EQ(errno, EINVAL, "errno");
	info.index = VFIO_SPECIAL;
	info.argsz = 8;
	EQ(ioctl(nv.gpu.vfio.fd, VFIO_DEVICE_GET_REGION_INFO, &info), -1, "argsz too small");
	EQ(errno, EINVAL, "errno");
	info.argsz = sizeof(info);
	EQ(ioctl(nv.gpu.vfio.fd, VFIO_DEVICE_GET_REGION_INFO, &info), 0,
	   "no room for capabilities");
	OK(info.argsz > sizeof(info), "argsz does not tell how much room they need");
	EQ(info.cap_offset, 0, "cap_offset without room");
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(gpu_region),
		KTAP_CASE(bridge_regions),
		KTAP_CASE(P12_pads_are_zero),
		KTAP_CASE(first_form_of_capability_4),
		KTAP_CASE(two_gpus_by_tgt),
		KTAP_CASE_SLOW(property_missing, 120),
		KTAP_CASE_SLOW(absurd_values, 120),
		KTAP_CASE(P2_no_atsd),
		KTAP_CASE(atsd_registers_are_apart),
		KTAP_CASE(atsd_shared_by_one_gpu_only),
		KTAP_CASE(P11_atsd_widths),
		KTAP_CASE(atsd_mapping),
		KTAP_CASE(cache_attributes),
		KTAP_CASE(atsd_without_memory_enable),
		KTAP_CASE(atsd_in_a_reset),
		KTAP_CASE(atsd_while_asleep),
		KTAP_CASE(other_devices),
		KTAP_CASE(ioctl_edges),
	};

	nvlink_suite();
	return ktap_main("nvlink2", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
