// SPDX-License-Identifier: GPL-2.0-only
#include "power.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "ktap.h"
#include "util.h"

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

static int tce_map_as(const struct vfio_dev *v, void *p, uint64_t bytes, uint32_t flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = flags,
		.vaddr = (uintptr_t)p,
		.iova = POWER_IOVA,
		.size = bytes,
	};

	return ioctl(v->container, VFIO_IOMMU_MAP_DMA, &map) ? errno : 0;
}

int tce_map(const struct vfio_dev *v, void *p, uint64_t bytes)
{
	return tce_map_as(v, p, bytes, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
}

int tce_map_to_read(const struct vfio_dev *v, void *p, uint64_t bytes)
{
	return tce_map_as(v, p, bytes, VFIO_DMA_MAP_FLAG_READ);
}

int tce_unmap(const struct vfio_dev *v, uint64_t bytes)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = POWER_IOVA,
		.size = bytes,
	};

	return ioctl(v->container, VFIO_IOMMU_UNMAP_DMA, &unmap) ? errno : 0;
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

int tce_state(const struct vfio_dev *v, uint32_t op)
{
	struct vfio_eeh_pe_op pe = {.argsz = sizeof(pe), .op = op};
	int ret = ioctl(v->container, VFIO_EEH_PE_OP, &pe);

	return ret < 0 ? -errno : ret;
}
