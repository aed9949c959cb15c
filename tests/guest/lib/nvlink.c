// SPDX-License-Identifier: GPL-2.0-only
#include "nvlink.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

void nvlink_suite(void)
{
	setenv("COHGPU_DRIVER", NVLINK_DRIVER, 1);
}

static void nvlink_set(const char *gpu, const char *attr, const char *value)
{
	if (value)
		sim_set(gpu, attr, value);
}

/* The bridges are the functions 1014:04ea that were not there before. */
static int nvlink_find_bridges(struct nvlink *n, const char *after)
{
	char bdf[PCI_BDF_SIZE];
	int found = 0;

	while (found < n->links && pci_find(0x1014, 0x04ea, after, bdf)) {
		snprintf(n->bridge[found].bdf, PCI_BDF_SIZE, "%s", bdf);
		n->bridge[found].fd = n->bridge[found].group = n->bridge[found].container = -1;
		after = n->bridge[found++].bdf;
	}
	return found;
}

void nvlink_make(struct nvlink *n, int number, const struct nvlink_want *w)
{
	char *name = n->gpu.name, text[64], last[PCI_BDF_SIZE];
	const char *after = NULL;

	if (!number) {
		sim_load();
		sim_load_power();
		pci_driver_load();
		sim_remove_all();
		nvlink_platform_calm();
	}
	while (pci_find(0x1014, 0x04ea, after, last)) {
		memcpy(text, last, sizeof(last));
		after = text;
	}
	memset(n, 0, sizeof(*n));
	snprintf(name, sizeof(n->gpu.name), "v%d", number);
	sim_create(name);
	nvlink_set(name, "preset", w->preset ? w->preset : "v100-16");
	nvlink_set(name, "links", w->links);
	nvlink_set(name, "first_link", w->first_link);
	nvlink_set(name, "npu", w->npu);
	nvlink_set(name, "atsd", w->atsd);
	nvlink_set(name, "without", w->without);
	nvlink_set(name, "prop_base", w->prop_base);
	nvlink_set(name, "prop_size", w->prop_size);
	nvlink_set(name, "prop_atsd", w->prop_atsd);
	sim_set(name, "enable", "1");
	n->links = (int)sim_get_number(name, "links");
	sim_get(name, "bdf", n->gpu.bdf, sizeof(n->gpu.bdf));
	n->gpu.mem_base = sim_get_number(name, "mem_base");
	n->gpu.mem_size = sim_get_number(name, "mem_size");
	n->gpu.vfio.fd = n->gpu.vfio.group = n->gpu.vfio.container = -1;
	EQ(nvlink_find_bridges(n, after), n->links, "bridges 1014:04ea on the bus");
}

void nvlink_bind(struct nvlink *n)
{
	pci_bind(n->gpu.bdf, NVLINK_DRIVER);
	for (int i = 0; i < n->links; i++)
		pci_bind(n->bridge[i].bdf, NVLINK_DRIVER);
}

void nvlink_open_bound(struct nvlink *n)
{
	vfio_open(&n->gpu.vfio, n->gpu.bdf);
	vfio_memory_enable(&n->gpu.vfio, true);
	sim_train(n->gpu.name);
	for (int i = 0; i < n->links; i++) {
		char bdf[PCI_BDF_SIZE];

		memcpy(bdf, n->bridge[i].bdf, sizeof(bdf));
		vfio_open(&n->bridge[i], bdf);
	}
}

void nvlink_open(struct nvlink *n, const struct nvlink_want *w)
{
	nvlink_make(n, 0, w);
	nvlink_bind(n);
	nvlink_open_bound(n);
}

void nvlink_close(struct nvlink *n)
{
	for (int i = 0; i < n->links; i++)
		vfio_close(&n->bridge[i]);
	vfio_close(&n->gpu.vfio);
}

void nvlink_driver_again(void)
{
	int err = EWOULDBLOCK;

	/* Once a second it looks whether what it gave back is given back by all. */
	for (int i = 0; i < 50 && err == EWOULDBLOCK; i++) {
		err = pci_module_remove(NVLINK_DRIVER);
		if (err)
			ktap_sleep(0.1);
	}
	EQ(err, 0, "removing the driver");
	EQ(pci_module_insert(NVLINK_DRIVER), 0, "loading it again");
}

unsigned int nvlink_regions(const struct vfio_dev *v)
{
	struct vfio_device_info info = {.argsz = sizeof(info)};

	EQ(ioctl(v->fd, VFIO_DEVICE_GET_INFO, &info), 0, "%s: VFIO_DEVICE_GET_INFO", v->bdf);
	return info.num_regions;
}

/* The bytes from @cap to the next capability or the end, as 32-bit words; -1 past that. */
static int64_t nvlink_word(const struct vfio_region_info *info, uint32_t cap, unsigned int word)
{
	const struct vfio_info_cap_header *header = (void *)((char *)info + cap);
	uint32_t end = header->next ? header->next : info->argsz;

	if (cap + (word + 1) * 4 > end)
		return -1;
	return *(const uint32_t *)((const char *)info + cap + word * 4);
}

static void nvlink_read_caps(const struct vfio_region_info *info, struct nvlink_region *r,
			     uint32_t vendor, uint32_t subtype)
{
	uint32_t at = info->flags & VFIO_REGION_INFO_FLAG_CAPS ? info->cap_offset : 0;

	while (at) {
		const void *cap = (const char *)info + at;
		const struct vfio_info_cap_header *header = cap;

		OK(at + sizeof(*header) <= info->argsz, "capability at %u of %u bytes", at,
		   info->argsz);
		r->caps++;
		EQ(header->version, 1, "version of capability %u", header->id);
		if (header->id == VFIO_REGION_INFO_CAP_TYPE) {
			const struct vfio_region_info_cap_type *type = cap;

			r->found = type->type == (VFIO_REGION_TYPE_PCI_VENDOR_TYPE | vendor) &&
				   type->subtype == subtype;
		} else if (header->id == VFIO_REGION_INFO_CAP_NVLINK2_SSATGT) {
			r->has_tgt = true;
			r->tgt = ((const struct vfio_region_info_cap_nvlink2_ssatgt *)cap)->tgt;
			r->old_speed = nvlink_word(info, at, 4);
			r->old_pad = nvlink_word(info, at, 5);
		} else if (header->id == VFIO_REGION_INFO_CAP_NVLINK2_LNKSPD) {
			const struct vfio_region_info_cap_nvlink2_lnkspd *speed = cap;

			r->has_speed = true;
			r->speed = speed->link_speed;
			r->pad = speed->__pad;
		}
		at = header->next;
	}
}

/* The buffer is dirty, so that what the kernel leaves alone does not look like zeros. */
static struct vfio_region_info *nvlink_info(const struct vfio_dev *v, uint32_t index)
{
	struct vfio_region_info probe = {.argsz = sizeof(probe), .index = index}, *info;

	EQ(ioctl(v->fd, VFIO_DEVICE_GET_REGION_INFO, &probe), 0, "%s: region %u", v->bdf, index);
	info = malloc(probe.argsz);
	OK(info, "out of memory");
	memset(info, 0xA5, probe.argsz);
	info->argsz = probe.argsz;
	info->index = index;
	EQ(ioctl(v->fd, VFIO_DEVICE_GET_REGION_INFO, info), 0, "%s: region %u", v->bdf, index);
	return info;
}

struct nvlink_region nvlink_read(const struct vfio_dev *v, uint32_t vendor, uint32_t subtype)
{
	unsigned int n = nvlink_regions(v);

	for (unsigned int i = VFIO_PCI_NUM_REGIONS; i < n; i++) {
		struct nvlink_region r = {.index = i, .old_speed = -1, .old_pad = -1};
		struct vfio_region_info *info = nvlink_info(v, i);

		r.flags = info->flags;
		r.size = info->size;
		r.offset = info->offset;
		nvlink_read_caps(info, &r, vendor, subtype);
		free(info);
		if (r.found)
			return r;
	}
	return (struct nvlink_region){.found = false};
}

struct nvlink_region nvlink_ram(const struct vfio_dev *v)
{
	return nvlink_read(v, 0x10de, VFIO_REGION_SUBTYPE_NVIDIA_NVLINK2_RAM);
}

struct nvlink_region nvlink_atsd(const struct vfio_dev *v)
{
	return nvlink_read(v, 0x1014, VFIO_REGION_SUBTYPE_IBM_NVLINK2_ATSD);
}

void nvlink_platform_set(const char *file, const char *value)
{
	char path[256];
	int err;

	snprintf(path, sizeof(path), SIM_POWER "/%s", file);
	err = util_write(path, value);
	if (err)
		ktap_fail("%s = %s: %s", path, value, strerror(err));
}

uint64_t nvlink_platform_number(const char *file)
{
	char path[256], text[32] = "";
	int err;

	snprintf(path, sizeof(path), SIM_POWER "/%s", file);
	err = util_read(path, text, sizeof(text));
	if (err)
		ktap_fail("%s: %s", path, strerror(err));
	return strtoull(text, NULL, 0);
}

bool nvlink_platform_real(void)
{
	return !util_exists(SIM_POWER "/registrations");
}

bool nvlink_kernel_keeps_rcu(void)
{
	return ktap_kernel("7.2");
}

void nvlink_platform_calm(void)
{
	nvlink_platform_set("refuse", "none");
	if (nvlink_platform_real())
		return;
	nvlink_platform_set("held", "0");
	nvlink_platform_set("busy", "0");
	nvlink_platform_set("leak", "0");
}

bool nvlink_registered(const void *start, uint64_t bytes, uint64_t base)
{
	char line[128];

	snprintf(line, sizeof(line), "0x%" PRIxPTR " 0x%" PRIx64 " 0x%" PRIx64 "\n",
		 (uintptr_t)start, bytes, base);
	return util_lines(SIM_POWER "/registrations", line) == 1;
}

long nvlink_registrations(void)
{
	return util_lines(SIM_POWER "/registrations", NULL);
}

void nvlink_registrations_are(long n, const char *what)
{
	if (!nvlink_platform_real())
		EQ(nvlink_registrations(), n, "%s", what);
}

/* IOMMU pages are no larger than this. */
#define NVLINK_IOMMU_PAGE GiB

static void *nvlink_try_map(const struct nvlink *n, uint64_t off, uint64_t bytes, uint64_t skew)
{
	uint64_t bits = (n->gpu.mem_base + off) | bytes | NVLINK_IOMMU_PAGE, align = bits & -bits;
	char *room, *at;

	room = mmap(NULL, bytes + 2 * align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
	OK(room != MAP_FAILED, "mmap: %s", strerror(errno));
	munmap(room, bytes + 2 * align);
	at = (char *)(((uintptr_t)room + align - 1) / align * align + skew);
	return mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE,
		    n->gpu.vfio.fd, (off_t)(n->gpu.vfio.region[VFIO_SPECIAL].offset + off));
}

void *nvlink_map(const struct nvlink *n, uint64_t off, uint64_t bytes, uint64_t skew)
{
	void *p = nvlink_try_map(n, off, bytes, skew);

	OK(p != MAP_FAILED, "%s: mmap of 0x%" PRIx64 ": %s", n->gpu.bdf, bytes, strerror(errno));
	return p;
}

int nvlink_map_errno(const struct nvlink *n, uint64_t off, uint64_t bytes)
{
	void *p = nvlink_try_map(n, off, bytes, 0);

	if (p == MAP_FAILED)
		return errno;
	munmap(p, bytes);
	return 0;
}

void nvlink_agrees(const struct nvlink *n, volatile void *p, uint64_t dev, const char *what)
{
	uint64_t out = ktap_random(), in = 0;

	EQ(vfio_touch_write(p, out), 0, "%s: signal at a store", what);
	sim_mem_read(n->gpu.name, dev, &in, 8);
	EQ(in, out, "%s: stored through the mapping, on the device's side", what);
	out = ktap_random();
	sim_mem_write(n->gpu.name, dev, &out, 8);
	EQ(vfio_touch_read(p, &in), 0, "%s: signal at a load", what);
	EQ(in, out, "%s: written on the device's side, through the mapping", what);
}
