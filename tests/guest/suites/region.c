// SPDX-License-Identifier: GPL-2.0-only
/* spec/grace.md section 2: what VFIO_DEVICE_GET_REGION_INFO says, and its argsz protocol. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gpu.h"
#include "iommufd.h"

#define REGION_RW    (VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE)
#define REGION_FLAGS (REGION_RW | VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS)

/* Header, capability, one area. */
struct region_full {
	struct vfio_region_info info;
	struct vfio_region_info_cap_sparse_mmap cap;
	struct vfio_region_sparse_mmap_area area;
};

static void region_window(const struct gpu *g, int index, uint64_t bar, uint64_t window)
{
	struct vfio_region r;

	EQ(vfio_region_info(&g->vfio, index, &r), 0, "region %d: errno of region info", index);
	EQ(r.size, bar, "region %d: size", index);
	EQ(r.offset, (uint64_t)index << 40, "region %d: offset", index);
	EQ(r.flags, REGION_FLAGS, "region %d: flags", index);
	EQ(r.caps, 1, "region %d: capabilities", index);
	EQ(r.sparse, true, "region %d: sparse-mmap capability", index);
	EQ(r.sparse_version, 1, "region %d: version of the capability", index);
	EQ(r.areas, 1, "region %d: sparse areas", index);
	EQ(r.area_offset, 0, "region %d: offset of the area", index);
	EQ(r.area_size, window & ~(util_page() - 1), "region %d: size of the area", index);
}

static void region_real(const struct gpu *g, int index)
{
	struct vfio_region r;

	EQ(vfio_region_info(&g->vfio, index, &r), 0, "region %d: errno of region info", index);
	EQ(r.size, pci_bar_size(g->bdf, index), "region %d: size of the real BAR", index);
	EQ(r.offset, (uint64_t)index << 40, "region %d: offset", index);
	if (r.size)
		EQ(r.flags & REGION_RW, REGION_RW, "region %d: flags of a real BAR", index);
	EQ(r.sparse, false, "region %d: sparse-mmap capability of a real BAR", index);
}

struct region_preset {
	const char *name;
	uint64_t bar4, usemem, bar2, resmem;
};

static const struct region_preset region_presets[] = {
	{"gh200-96", 128 * GiB, 95 * GiB, 1 * GiB, 1 * GiB},
	{"gh200-144", 256 * GiB, 143 * GiB, 1 * GiB, 1 * GiB},
	{"tiny", 512 * MiB, 512 * MiB, 1 * GiB, 1 * GiB},
	{"gb200", 256 * GiB, 185 * GiB, 0, 0},
	{"gb300", 512 * GiB, 276 * GiB, 0, 0},
	{"gh200-480", 128 * GiB, 95 * GiB, 1 * GiB, 1 * GiB},
};

static void preset(void)
{
	const struct region_preset *p = &region_presets[ktap_arg()];
	struct gpu g;

	gpu_open_preset(&g, p->name);
	region_window(&g, VFIO_USEMEM, p->bar4, p->usemem);
	if (p->resmem)
		region_window(&g, VFIO_RESMEM, p->bar2, p->resmem);
	else
		region_real(&g, VFIO_RESMEM);
	region_real(&g, 0);
	EQ(g.vfio.region[1].size, 0, "size of region 1, upper half of BAR0");
	EQ(g.vfio.region[3].size, 0, "size of region 3, upper half of BAR2");
	EQ(g.vfio.region[5].size, 0, "size of region 5, upper half of BAR4");
}

/* A directory, enabled: the first function is a GH200 of 96 GiB, and needs no other word. */
static void two_lines(void)
{
	struct gpu g;

	sim_load();
	sim_remove_all();
	ktap_note()[0] = 0;
	sim_create("t0");
	sim_set("t0", "enable", "1");
	gpu_learn(&g, "t0");
	pci_bind(g.bdf, pci_driver_name());
	vfio_open(&g.vfio, g.bdf);
	EQ(g.mem_base, 4 * GiB, "mem_base");
	EQ(vfio_cfg32(&g.vfio, 0), 0x234210de, "identity");
	region_window(&g, VFIO_USEMEM, 128 * GiB, 95 * GiB);
}

/* Without the MIG bug, registers 0x18 and 0x1c and region 2 are those of the part's own BAR1. */
static void real_bar1(void)
{
	const struct gpu_want w = {.preset = "gb200", .mem_size = "1536M"};
	volatile uint32_t *bar0, *bar1;
	uint32_t value;
	struct gpu g;

	gpu_open(&g, &w);
	EQ(g.vfio.region[2].size, 8 * MiB, "size of region 2");
	vfio_cfg_set64(&g.vfio, 0x18, UINT64_MAX);
	EQ(vfio_cfg64(&g.vfio, 0x18), ~(8 * MiB - 1) | 0xc, "BAR1 sized");
	bar0 = vfio_map(&g.vfio, 0, 0, 8 * MiB);
	bar1 = vfio_map(&g.vfio, 2, 0, 8 * MiB);
	for (uint32_t at = 0x3000; at < 8 * MiB; at += MiB) {
		bar0[at / 4] = at;
		bar1[at / 4] = ~at;
		vfio_get(&g.vfio, 2, at, &value, 4);
		EQ(value, ~at, "BAR1 + 0x%x", at);
		vfio_get(&g.vfio, 0, at, &value, 4);
		EQ(value, at, "BAR0 + 0x%x", at);
		vfio_put(&g.vfio, 2, at, &(uint32_t){at + 1}, 4);
		EQ(bar1[at / 4], at + 1, "BAR1 + 0x%x, mapped", at);
	}
}

/* BAR = next power of two of each window's length; both ends before the BAR's. */
static void windows_smaller_than_bars(void)
{
	struct gpu g;

	gpu_open(&g, &gpu_tails);
	region_window(&g, VFIO_USEMEM, 2 * GiB, 1536 * MiB);
	region_window(&g, VFIO_RESMEM, 2 * GiB, 1088 * MiB);
}

/* A window whose length is no whole number of pages. */
static void area_rounded_to_page(void)
{
	const struct gpu_want w = {.preset = "tiny",
				   .mem_size = "1600M",

				   .prop_size = "0x60001800"};
	uint64_t resmem = 0x60001800 - 512 * MiB;
	struct gpu g;

	gpu_open(&g, &w);
	region_window(&g, VFIO_USEMEM, 512 * MiB, 512 * MiB);
	region_window(&g, VFIO_RESMEM, 2 * GiB, resmem);
}

static void device_info(void)
{
	struct vfio_device_info info = {.argsz = sizeof(info)};
	struct gpu g;

	gpu_tiny(&g);
	EQ(ioctl(g.vfio.fd, VFIO_DEVICE_GET_INFO, &info), 0, "VFIO_DEVICE_GET_INFO");
	EQ(info.flags & (VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET),
	   VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET, "flags");
	EQ(info.num_regions, VFIO_PCI_NUM_REGIONS, "regions");
	EQ(info.num_irqs, VFIO_PCI_NUM_IRQS, "interrupts");
}

static void config_region(void)
{
	struct vfio_region r;
	struct gpu g;

	gpu_tiny(&g);
	EQ(vfio_region_info(&g.vfio, VFIO_CONFIG, &r), 0, "config: errno");
	EQ(r.flags, REGION_RW, "config: flags");
	EQ(r.size, 4096, "config: size");
	EQ(r.offset, (uint64_t)VFIO_CONFIG << 40, "config: offset");
}

static void index_out_of_range(void)
{
	static const uint32_t index[] = {VFIO_PCI_NUM_REGIONS, 100, UINT32_MAX};
	struct vfio_region r;
	struct gpu g;

	gpu_tiny(&g);
	for (size_t i = 0; i < ARRAY_LEN(index); i++)
		EQ(vfio_region_info(&g.vfio, index[i], &r), EINVAL, "region %u: errno", index[i]);
}

static int region_ioctl(const struct gpu *g, void *info)
{
	return ioctl(g->vfio.fd, VFIO_DEVICE_GET_REGION_INFO, info) ? errno : 0;
}

static void argsz_below_minimum(void)
{
	const uint32_t min = sizeof(struct vfio_region_info);
	struct gpu g;

	gpu_tiny(&g);
	for (uint32_t argsz = 0; argsz < min; argsz += argsz < min - 4 ? 4 : 1) {
		struct region_full f = {.info = {.argsz = argsz, .index = VFIO_USEMEM}};

		EQ(region_ioctl(&g, &f), EINVAL, "argsz %u: errno", argsz);
		EQ(f.info.argsz, argsz, "argsz %u: written back", argsz);
	}
}

/* Too small for the capability: all but the capability, and the size that is wanted. */
static void argsz_without_room(void)
{
	static const int index[] = {VFIO_USEMEM, VFIO_RESMEM};
	const uint32_t min = sizeof(struct vfio_region_info), full = sizeof(struct region_full);
	struct gpu g;

	gpu_tiny(&g);
	for (size_t i = 0; i < ARRAY_LEN(index); i++) {
		for (uint32_t argsz = min; argsz < full; argsz++) {
			struct region_full f, guard;

			memset(&f, 0x5a, sizeof(f));
			memset(&guard, 0x5a, sizeof(guard));
			f.info.argsz = argsz;
			f.info.index = index[i];
			EQ(region_ioctl(&g, &f), 0, "argsz %u: errno", argsz);
			EQ(f.info.argsz, full, "argsz %u: size wanted", argsz);
			EQ(f.info.cap_offset, 0, "argsz %u: cap_offset", argsz);
			EQ(f.info.flags, REGION_FLAGS, "argsz %u: flags", argsz);
			EQ(f.info.size, g.vfio.region[index[i]].size, "argsz %u: size", argsz);
			EQ(f.info.offset, (uint64_t)index[i] << 40, "argsz %u: offset", argsz);
			BYTES(&f.cap, &guard.cap, full - min, "argsz %u: bytes beyond", argsz);
		}
	}
}

static void argsz_with_room(void)
{
	const uint32_t full = sizeof(struct region_full);
	struct gpu g;

	gpu_tiny(&g);
	for (uint32_t argsz = full; argsz < full + 64; argsz += 8) {
		union {
			struct region_full f;
			unsigned char bytes[256];
		} u;
		unsigned char guard[256];

		memset(&u, 0xa5, sizeof(u));
		memset(guard, 0xa5, sizeof(guard));
		u.f.info.argsz = argsz;
		u.f.info.index = VFIO_USEMEM;
		EQ(region_ioctl(&g, &u), 0, "argsz %u: errno", argsz);
		EQ(u.f.info.cap_offset, sizeof(u.f.info), "argsz %u: cap_offset", argsz);
		EQ(u.f.cap.header.id, VFIO_REGION_INFO_CAP_SPARSE_MMAP, "argsz %u: id", argsz);
		EQ(u.f.cap.header.version, 1, "argsz %u: version", argsz);
		EQ(u.f.cap.header.next, 0, "argsz %u: next", argsz);
		EQ(u.f.cap.nr_areas, 1, "argsz %u: areas", argsz);
		EQ(u.f.area.offset, 0, "argsz %u: area offset", argsz);
		EQ(u.f.area.size, 512 * MiB, "argsz %u: area size", argsz);
		BYTES(u.bytes + full, guard, sizeof(u) - full, "argsz %u: bytes beyond", argsz);
	}
}

/* A structure that ends in an unmapped page: -EFAULT, never half an answer that counts as one. */
static void faulting_structure(void)
{
	size_t page = util_page();
	struct gpu g;
	char *map;

	gpu_tiny(&g);
	map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	OK(map != MAP_FAILED, "mmap");
	OK(!munmap(map + page, page), "munmap");
	for (size_t room = 8; room < sizeof(struct region_full); room += 8) {
		struct vfio_region_info *info = (void *)(map + page - room);

		info->argsz = sizeof(struct region_full);
		if (room >= 12)
			info->index = VFIO_USEMEM;
		EQ(region_ioctl(&g, info), EFAULT, "%zu bytes mapped: errno", room);
	}
	EQ(ioctl(g.vfio.fd, VFIO_DEVICE_GET_REGION_INFO, NULL) ? errno : 0, EFAULT, "NULL: errno");
}

/* What is asked of a device that has nothing to do with windows: the answer, or -errno. */
struct region_answers {
	int feature[16][3], irq[VFIO_PCI_NUM_IRQS], rom, vga;
};

static int region_feature(const struct gpu *g, uint32_t feature, uint32_t what)
{
	struct vfio_device_feature f = {.argsz = sizeof(f),
					.flags = VFIO_DEVICE_FEATURE_PROBE | what | feature};

	return ioctl(g->vfio.fd, VFIO_DEVICE_FEATURE, &f) ? -errno : 0;
}

static void region_ask(struct gpu *g, const char *driver, struct region_answers *a)
{
	static const uint32_t what[] = {0, VFIO_DEVICE_FEATURE_GET, VFIO_DEVICE_FEATURE_SET};
	struct vfio_region r;

	pci_bind(g->bdf, driver);
	vfio_open(&g->vfio, g->bdf);
	for (uint32_t i = 0; i < ARRAY_LEN(a->feature); i++)
		for (size_t k = 0; k < ARRAY_LEN(what); k++)
			a->feature[i][k] = region_feature(g, i, what[k]);
	for (uint32_t i = 0; i < VFIO_PCI_NUM_IRQS; i++) {
		struct vfio_irq_info info = {.argsz = sizeof(info), .index = i};
		int err = ioctl(g->vfio.fd, VFIO_DEVICE_GET_IRQ_INFO, &info) ? errno : 0;

		a->irq[i] = err ? -err : (int)(info.flags << 8 | info.count);
	}
	a->rom = -vfio_region_info(&g->vfio, VFIO_PCI_ROM_REGION_INDEX, &r);
	a->vga = -vfio_region_info(&g->vfio, VFIO_PCI_VGA_REGION_INDEX, &r);
	vfio_close(&g->vfio);
	EQ(pci_unbind(g->bdf), 0, "unbind: errno");
}

/* Features, interrupts, regions that are not there: as with vfio-pci. */
static void rest_as_vfio_pci(void)
{
	struct region_answers want, got;
	struct gpu g;

	gpu_bind(&g, &(struct gpu_want){.preset = "tiny"});
	ktap_note()[0] = 0;
	EQ(pci_module_insert("vfio-pci"), 0, "modprobe vfio-pci");
	region_ask(&g, "vfio-pci", &want);
	region_ask(&g, pci_driver_name(), &got);
	for (size_t i = 0; i < ARRAY_LEN(want.feature); i++)
		for (size_t k = 0; k < ARRAY_LEN(want.feature[0]); k++)
			EQ(got.feature[i][k], want.feature[i][k], "feature %zu, probe %zu", i, k);
	for (size_t i = 0; i < VFIO_PCI_NUM_IRQS; i++)
		EQ(got.irq[i], want.irq[i], "interrupt %zu", i);
	EQ(got.rom, want.rom, "ROM");
	EQ(got.vga, want.vga, "VGA");
	/* A function without virtual ones has no token; what is there has to be there. */
	EQ(want.feature[VFIO_DEVICE_FEATURE_PCI_VF_TOKEN][2], -ENOTTY, "VF token");
	EQ(want.feature[VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY][2], 0, "low power");
}

static const uint8_t token[16] = {0xbd, 0x8d, 0x9d};

/* Who gives a token for a function that has none is refused, by name or by iommufd. */
static void vf_token(void)
{
	static const char *const args[] = {" vf_token=bd8d9d2b-5a5f-4f5a-a211-f591514ba1f3",
					   " vf_token=bd8d", " other=1"};
	struct gpu g;
	char name[96];

	gpu_tiny(&g);
	if (g.vfio.group < 0) {
		vfio_close(&g.vfio);
		EQ(iommufd_open_token(&g.vfio, g.bdf, token), EINVAL, "bind with a token: errno");
		return;
	}
	close(g.vfio.fd);
	for (size_t i = 0; i < ARRAY_LEN(args); i++) {
		snprintf(name, sizeof(name), "%s%s", g.bdf, args[i]);
		EQ(ioctl(g.vfio.group, VFIO_GROUP_GET_DEVICE_FD, name) < 0 ? errno : 0, EINVAL,
		   "%s: errno", name);
	}
	snprintf(name, sizeof(name), "%s0", g.bdf);
	EQ(ioctl(g.vfio.group, VFIO_GROUP_GET_DEVICE_FD, name) < 0 ? errno : 0, ENODEV, "%s: errno",
	   name);
	snprintf(name, sizeof(name), "%s  ", g.bdf);
	g.vfio.fd = ioctl(g.vfio.group, VFIO_GROUP_GET_DEVICE_FD, name);
	OK(g.vfio.fd >= 0, "%s: %s", name, strerror(errno));
}

/*
 * What the core asks a driver by an iommufd, where it has a function for that: who has none is
 * told EOPNOTSUPP of a PASID, and a token is not even read. This function has no PASIDs, and an
 * address space that was not made for them: none can be attached, one that is not may be detached.
 */
static void pasid_and_token(void)
{
	struct gpu g;
	int err;

	gpu_tiny(&g);
	vfio_close(&g.vfio);
	err = iommufd_open(&g.vfio, g.bdf);
	if (err == ENOENT)
		ktap_skip("this kernel has no iommufd");
	EQ(err, 0, "open: errno");
	EQ(iommufd_attach_pasid(&g.vfio, 1), EINVAL, "attach of a PASID: errno");
	EQ(iommufd_detach_pasid(&g.vfio, 1), 0, "detach of a PASID: errno");
	vfio_close(&g.vfio);
	EQ(iommufd_open_token(&g.vfio, g.bdf, token), EINVAL, "bind with a token: errno");
	EQ(iommufd_open_token(&g.vfio, g.bdf, NULL), EFAULT, "bind with a token nowhere: errno");
}

static const struct ktap_case cases[] = {
	KTAP_CASE_ARG("gh200_96", preset, 0),
	KTAP_CASE_ARG("gh200_144", preset, 1),
	KTAP_CASE_ARG("tiny", preset, 2),
	KTAP_CASE_ARG("gb200", preset, 3),
	KTAP_CASE_ARG("gb300", preset, 4),
	KTAP_CASE_ARG("no_dvsec", preset, 5),
	KTAP_CASE(two_lines),
	KTAP_CASE(real_bar1),
	KTAP_CASE(windows_smaller_than_bars),
	KTAP_CASE(area_rounded_to_page),
	KTAP_CASE(device_info),
	KTAP_CASE(config_region),
	KTAP_CASE(index_out_of_range),
	KTAP_CASE(argsz_below_minimum),
	KTAP_CASE(argsz_without_room),
	KTAP_CASE(argsz_with_room),
	KTAP_CASE(faulting_structure),
	KTAP_CASE(rest_as_vfio_pci),
	KTAP_CASE(vf_token),
	KTAP_CASE(pasid_and_token),
};

int main(int argc, char **argv)
{
	return ktap_main("region", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
