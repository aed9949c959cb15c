// SPDX-License-Identifier: GPL-2.0-only
#include "power.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "ktap.h"
#include "util.h"

#define EDU_ID	   0x010000ed
#define EDU_BUFFER 0x40000
#define EDU_SRC	   0x80
#define EDU_DST	   0x88
#define EDU_COUNT  0x90
#define EDU_DMA	   0x98
#define EDU_START  1
#define EDU_TO_RAM 2

void guest_make(struct power_guest *g)
{
	struct kvm_create_device device = {.type = KVM_DEV_TYPE_VFIO};

	g->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	OK(g->kvm >= 0, "/dev/kvm: %s", strerror(errno));
	g->vm = ioctl(g->kvm, KVM_CREATE_VM, 0);
	OK(g->vm >= 0, "KVM_CREATE_VM: %s", strerror(errno));
	EQ(ioctl(g->vm, KVM_CREATE_DEVICE, &device), 0, "KVM_CREATE_DEVICE");
	g->vfio = (int)device.fd;
}

void guest_end(struct power_guest *g)
{
	close(g->vfio);
	close(g->vm);
	close(g->kvm);
}

static void power_group(struct vfio_dev *v, const char *name)
{
	char path[64], bdf[PCI_BDF_SIZE];

	snprintf(bdf, sizeof(bdf), "%s", name);
	memset(v, 0, sizeof(*v));
	memcpy(v->bdf, bdf, sizeof(bdf));
	v->container = v->fd = -1;
	snprintf(path, sizeof(path), "/dev/vfio/%d", pci_iommu_group(bdf));
	v->group = open(path, O_RDWR | O_CLOEXEC);
	OK(v->group >= 0, "%s: %s", path, strerror(errno));
}

static void power_attach(struct vfio_dev *v, struct power_guest *g)
{
	struct kvm_device_attr attr = {.group = KVM_DEV_VFIO_GROUP, .attr = KVM_DEV_VFIO_GROUP_ADD};
	struct kvm_vfio_spapr_tce table = {.groupfd = v->group, .tablefd = g->vm};

	attr.addr = (uintptr_t)&v->group;
	EQ(ioctl(g->vfio, KVM_SET_DEVICE_ATTR, &attr), 0, "attaching the guest");
	/* No table of the guest's: but a group that never heard of one is a WARN when it goes. */
	attr.attr = KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE;
	attr.addr = (uintptr_t)&table;
	EQ(ioctl(g->vfio, KVM_SET_DEVICE_ATTR, &attr), -1, "a table that is none");
}

static int power_device(struct vfio_dev *v)
{
	v->fd = ioctl(v->group, VFIO_GROUP_GET_DEVICE_FD, v->bdf);
	if (v->fd < 0)
		return errno;
	for (int i = 0; i < VFIO_REGIONS; i++)
		vfio_region_info(v, i, &v->region[i]);
	return 0;
}

int power_open(struct vfio_dev *v, const char *bdf, int version, struct power_guest *g)
{
	power_group(v, bdf);
	v->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	EQ(ioctl(v->group, VFIO_GROUP_SET_CONTAINER, &v->container), 0, "container");
	EQ(ioctl(v->container, VFIO_SET_IOMMU,
		 version == 1 ? VFIO_SPAPR_TCE_IOMMU : VFIO_SPAPR_TCE_v2_IOMMU),
	   0, "container of version %d", version);
	if (version == 1)
		EQ(ioctl(v->container, VFIO_IOMMU_ENABLE), 0, "VFIO_IOMMU_ENABLE");
	if (g)
		power_attach(v, g);
	return power_device(v);
}

/* The guest holds the group, too. */
void power_close(struct vfio_dev *v, struct power_guest *g)
{
	struct kvm_device_attr attr = {.group = KVM_DEV_VFIO_GROUP,
				       .attr = KVM_DEV_VFIO_GROUP_DEL,
				       .addr = (uintptr_t)&v->group};

	if (g)
		EQ(ioctl(g->vfio, KVM_SET_DEVICE_ATTR, &attr), 0, "detaching the guest");
	vfio_close(v);
}

int tce_map(const struct vfio_dev *v, void *p, uint64_t bytes)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)p,
		.iova = POWER_IOVA,
		.size = bytes,
	};

	return ioctl(v->container, VFIO_IOMMU_MAP_DMA, &map) ? errno : 0;
}

static int tce_request(const struct vfio_dev *v, void *p, uint64_t bytes, unsigned long request)
{
	struct vfio_iommu_spapr_register_memory memory = {
		.argsz = sizeof(memory),
		.vaddr = (uintptr_t)p,
		.size = bytes,
	};

	return ioctl(v->container, request, &memory) ? errno : 0;
}

int tce_register(const struct vfio_dev *v, void *p, uint64_t bytes)
{
	return tce_request(v, p, bytes, VFIO_IOMMU_SPAPR_REGISTER_MEMORY);
}

int tce_unregister(const struct vfio_dev *v, void *p, uint64_t bytes)
{
	return tce_request(v, p, bytes, VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY);
}

void tce_window(const struct vfio_dev *v)
{
	static char first[64 * KiB] __attribute__((aligned(64 * KiB)));
	struct vfio_iommu_spapr_tce_info info = {.argsz = sizeof(info)};

	EQ(tce_register(v, first, sizeof(first)), 0, "registering");
	EQ(ioctl(v->container, VFIO_IOMMU_SPAPR_TCE_GET_INFO, &info), 0, "TCE window");
	OK(info.dma32_window_start <= POWER_IOVA &&
		   POWER_IOVA + 64 * MiB <=
			   info.dma32_window_start + (uint64_t)info.dma32_window_size,
	   "TCE window 0x%x + 0x%x", info.dma32_window_start, info.dma32_window_size);
}

void edu_open(struct vfio_dev *edu, int container)
{
	char bdf[PCI_BDF_SIZE];

	OK(pci_find(0x1234, 0x11e8, NULL, bdf), "no edu function in this machine");
	pci_bind(bdf, "vfio-pci");
	if (container < 0) {
		EQ(power_open(edu, bdf, 1, NULL), 0, "edu: open: errno");
	} else {
		power_group(edu, bdf);
		EQ(ioctl(edu->group, VFIO_GROUP_SET_CONTAINER, &container), 0,
		   "edu in another's container");
		EQ(power_device(edu), 0, "edu: open: errno");
	}
	vfio_cfg_set16(edu, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

/* QEMU gives this device's registers the byte order of the machine that it was built for. */
static uint32_t edu_order(const struct vfio_dev *edu, uint32_t value)
{
	uint32_t id;

	vfio_get(edu, VFIO_PCI_BAR0_REGION_INDEX, 0, &id, sizeof(id));
	return le32toh(id) == EDU_ID ? htole32(value) : htobe32(value);
}

static void edu_set(const struct vfio_dev *edu, uint64_t reg, uint32_t value)
{
	value = edu_order(edu, value);
	vfio_put(edu, VFIO_PCI_BAR0_REGION_INDEX, reg, &value, sizeof(value));
}

void edu_copy(const struct vfio_dev *edu, uint32_t iova, uint32_t count, bool to_ram)
{
	const uint32_t start = edu_order(edu, EDU_START);
	uint32_t busy = start;

	edu_set(edu, EDU_SRC, to_ram ? EDU_BUFFER : iova);
	edu_set(edu, EDU_DST, to_ram ? iova : EDU_BUFFER);
	edu_set(edu, EDU_COUNT, count);
	edu_set(edu, EDU_DMA, EDU_START | (to_ram ? EDU_TO_RAM : 0));
	for (int i = 0; i < 500 && busy & start; i++) {
		ktap_sleep(0.01);
		vfio_get(edu, VFIO_PCI_BAR0_REGION_INDEX, EDU_DMA, &busy, sizeof(busy));
	}
	EQ(busy & start, 0, "edu does not come to an end");
}
