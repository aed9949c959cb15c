// SPDX-License-Identifier: GPL-2.0-only
/*
 * spec/nvlink2.md sections 4 and 5 on POWER, where the kernel's own code maps for DMA and runs
 * guests: another device (QEMU's edu) copies to and from GPU memory, and guests have an LPID.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "nvlink.h"

#define EDU_ID	   0x010000ed
#define EDU_BUFFER 0x40000
#define EDU_SRC	   0x80
#define EDU_DST	   0x88
#define EDU_COUNT  0x90
#define EDU_DMA	   0x98
#define EDU_START  1
#define EDU_TO_RAM 2

#define IOVA 0x100000

static struct nvlink nv, other;
static struct vfio_dev edu;

static const struct nvlink_want one_link = {.links = "1"};
static const struct nvlink_want next_link = {.links = "1", .first_link = "1"};

/* The device that copies, in the container of the GPU. */
static void edu_open(int container)
{
	char bdf[PCI_BDF_SIZE], path[64];

	OK(pci_find(0x1234, 0x11e8, NULL, bdf), "no edu function in this machine");
	pci_bind(bdf, "vfio-pci");
	snprintf(edu.bdf, sizeof(edu.bdf), "%s", bdf);
	snprintf(path, sizeof(path), "/dev/vfio/%d", pci_iommu_group(bdf));
	edu.container = -1;
	edu.group = open(path, O_RDWR | O_CLOEXEC);
	OK(edu.group >= 0, "%s: %s", path, strerror(errno));
	EQ(ioctl(edu.group, VFIO_GROUP_SET_CONTAINER, &container), 0, "edu in the GPU's container");
	edu.fd = ioctl(edu.group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	OK(edu.fd >= 0, "edu: open: %s", strerror(errno));
	for (int i = 0; i < VFIO_PCI_NUM_REGIONS; i++)
		vfio_region_info(&edu, i, &edu.region[i]);
	vfio_cfg_set16(&edu, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

/* QEMU gives this device's registers the byte order of the machine that it was built for. */
static uint32_t edu_order(uint32_t value)
{
	uint32_t id;

	vfio_get(&edu, VFIO_PCI_BAR0_REGION_INDEX, 0, &id, sizeof(id));
	return le32toh(id) == EDU_ID ? htole32(value) : htobe32(value);
}

static void edu_set(uint64_t reg, uint32_t value)
{
	value = edu_order(value);
	vfio_put(&edu, VFIO_PCI_BAR0_REGION_INDEX, reg, &value, sizeof(value));
}

static void edu_copy(uint32_t iova, uint32_t count, bool to_ram)
{
	const uint32_t start = edu_order(EDU_START);
	uint32_t busy = start;

	edu_set(EDU_SRC, to_ram ? EDU_BUFFER : iova);
	edu_set(EDU_DST, to_ram ? iova : EDU_BUFFER);
	edu_set(EDU_COUNT, count);
	edu_set(EDU_DMA, EDU_START | (to_ram ? EDU_TO_RAM : 0));
	for (int i = 0; i < 500 && busy & start; i++) {
		ktap_sleep(0.01);
		vfio_get(&edu, VFIO_PCI_BAR0_REGION_INDEX, EDU_DMA, &busy, sizeof(busy));
	}
	EQ(busy & start, 0, "edu does not come to an end");
}

static int tce_map(void *p, uint64_t bytes)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)p,
		.iova = IOVA,
		.size = bytes,
	};

	return ioctl(nv.gpu.vfio.container, VFIO_IOMMU_MAP_DMA, &map) ? errno : 0;
}

static int tce_register(void *p, uint64_t bytes, unsigned long request)
{
	struct vfio_iommu_spapr_register_memory memory = {
		.argsz = sizeof(memory),
		.vaddr = (uintptr_t)p,
		.size = bytes,
	};

	return ioctl(nv.gpu.vfio.container, request, &memory) ? errno : 0;
}

/* The first window of a new container has to be asked for, after its first registration. */
static void tce_window(void)
{
	static char first[64 * KiB] __attribute__((aligned(64 * KiB)));
	struct vfio_iommu_spapr_tce_info info = {.argsz = sizeof(info)};

	EQ(tce_register(first, sizeof(first), VFIO_IOMMU_SPAPR_REGISTER_MEMORY), 0, "registering");
	EQ(ioctl(nv.gpu.vfio.container, VFIO_IOMMU_SPAPR_TCE_GET_INFO, &info), 0, "TCE window");
	OK(info.dma32_window_start <= IOVA &&
		   IOVA + 64 * MiB <= info.dma32_window_start + (uint64_t)info.dma32_window_size,
	   "TCE window 0x%x + 0x%x", info.dma32_window_start, info.dma32_window_size);
}

/* P4: CPU, device and another device's DMA see the same bytes, 1 GiB into the memory. */
static void P4_dma_and_cpu_agree(void)
{
	const uint64_t bytes = 1 * MiB, at = 1 * GiB;
	static char out[2048], in[2048]; /* half of what edu holds: all of it is refused */
	char *p;

	nvlink_open(&nv, &one_link);
	edu_open(nv.gpu.vfio.container);
	tce_window();
	p = vfio_map(&nv.gpu.vfio, VFIO_SPECIAL, at, bytes);
	EQ(tce_register(p, bytes, VFIO_IOMMU_SPAPR_REGISTER_MEMORY), 0, "registering");
	EQ(tce_map(p, bytes), 0, "mapping for DMA");

	ktap_fill(out, sizeof(out), ktap_random());
	sim_mem_write(nv.gpu.name, at + 64 * KiB, out, sizeof(out));
	edu_copy(IOVA + 64 * KiB, sizeof(out), false);
	edu_copy(IOVA + 128 * KiB, sizeof(out), true);
	BYTES(p + 128 * KiB, out, sizeof(out), "copied by DMA, through the mapping");
	sim_mem_read(nv.gpu.name, at + 128 * KiB, in, sizeof(in));
	BYTES(in, out, sizeof(in), "copied by DMA, on the device's side");
	EQ(tce_register(p, bytes, VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY), 0, "unregistering");
}

/* P3: memory was registered there before, and is gone; its registration is not. */
static void P3_overlap(void)
{
	const uint64_t bytes = 256 * KiB;
	char *p, *q;

	nvlink_open(&nv, &one_link);
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	OK(p != MAP_FAILED, "mmap: %s", strerror(errno));
	memset(p, 1, bytes);
	EQ(tce_register(p, bytes, VFIO_IOMMU_SPAPR_REGISTER_MEMORY), 0, "registering");
	munmap(p, bytes);
	q = mmap(p, bytes, PROT_READ, MAP_SHARED | MAP_FIXED, nv.gpu.vfio.fd,
		 nv.gpu.vfio.region[VFIO_SPECIAL].offset);
	OK(q == MAP_FAILED && errno == EINVAL, "mmap over a registration: %s",
	   q == MAP_FAILED ? strerror(errno) : "worked");
	nvlink_close(&nv);
	vfio_open(&nv.gpu.vfio, nv.gpu.bdf);
	EQ(vfio_map_errno(&nv.gpu.vfio, VFIO_SPECIAL, 0, bytes, PROT_READ, MAP_SHARED), 0,
	   "mmap afterwards");
}

/* P7: the IOMMU still maps GPU memory when the mapping goes. */
static void P7_unmapped_while_in_tces(void)
{
	const uint64_t bytes = 256 * KiB;
	void *p;
	int err = 0;

	nvlink_open(&nv, &one_link);
	tce_window();
	p = vfio_map(&nv.gpu.vfio, VFIO_SPECIAL, 0, bytes);
	EQ(tce_map(p, bytes), 0, "mapping for DMA");
	munmap(p, bytes);
	vfio_close(&nv.bridge[0]);
	close(nv.gpu.vfio.fd);
	EQ(pci_unbind(nv.gpu.bdf), 0, "unbind");
	EQ(pci_unbind(nv.bridge[0].bdf), 0, "unbind of the bridge");
	EQ(pci_module_remove(NVLINK_DRIVER), EWOULDBLOCK, "removing the driver");
	close(nv.gpu.vfio.group);
	close(nv.gpu.vfio.container);
	for (int i = 0; i < 50; i++) {
		err = pci_module_remove(NVLINK_DRIVER);
		if (!err)
			break;
		ktap_sleep(0.1);
	}
	EQ(err, 0, "removing the driver, when the IOMMU has let go");
	EQ(pci_module_insert(NVLINK_DRIVER), 0, "loading it again");
}

struct guest {
	int kvm, vm, vfio;
};

static void guest_make(struct guest *g)
{
	struct kvm_create_device device = {.type = KVM_DEV_TYPE_VFIO};

	g->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	OK(g->kvm >= 0, "/dev/kvm: %s", strerror(errno));
	g->vm = ioctl(g->kvm, KVM_CREATE_VM, 0);
	OK(g->vm >= 0, "KVM_CREATE_VM: %s", strerror(errno));
	EQ(ioctl(g->vm, KVM_CREATE_DEVICE, &device), 0, "KVM_CREATE_DEVICE");
	g->vfio = (int)device.fd;
}

static void guest_end(struct guest *g)
{
	close(g->vfio);
	close(g->vm);
	close(g->kvm);
}

/* As vfio_open(), with the guest attached to the group first. */
static int guest_open(struct guest *g, struct vfio_dev *v, const char *name)
{
	struct kvm_device_attr attr = {.group = KVM_DEV_VFIO_GROUP, .attr = KVM_DEV_VFIO_GROUP_ADD};
	struct kvm_vfio_spapr_tce table;
	char path[64], bdf[PCI_BDF_SIZE];

	memcpy(bdf, name, sizeof(bdf));
	memset(v, 0, sizeof(*v));
	memcpy(v->bdf, bdf, sizeof(bdf));
	snprintf(path, sizeof(path), "/dev/vfio/%d", pci_iommu_group(bdf));
	v->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	v->group = open(path, O_RDWR | O_CLOEXEC);
	OK(v->group >= 0, "%s: %s", path, strerror(errno));
	EQ(ioctl(v->group, VFIO_GROUP_SET_CONTAINER, &v->container), 0, "container");
	EQ(ioctl(v->container, VFIO_SET_IOMMU, VFIO_SPAPR_TCE_v2_IOMMU), 0, "IOMMU");
	attr.addr = (uintptr_t)&v->group;
	EQ(ioctl(g->vfio, KVM_SET_DEVICE_ATTR, &attr), 0, "attaching the guest");
	/* No table of the guest's: but a group that never heard of one is a WARN when it goes. */
	table.groupfd = v->group;
	table.tablefd = g->vm;
	attr.attr = KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE;
	attr.addr = (uintptr_t)&table;
	EQ(ioctl(g->vfio, KVM_SET_DEVICE_ATTR, &attr), -1, "a table that is none");
	v->fd = ioctl(v->group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	return v->fd < 0 ? errno : 0;
}

/* The guest holds the group, too. */
static void guest_close(struct guest *g, struct vfio_dev *v)
{
	struct kvm_device_attr attr = {.group = KVM_DEV_VFIO_GROUP,
				       .attr = KVM_DEV_VFIO_GROUP_DEL,
				       .addr = (uintptr_t)&v->group};

	EQ(ioctl(g->vfio, KVM_SET_DEVICE_ATTR, &attr), 0, "detaching the guest");
	vfio_close(v);
}

#define LPARS SIM_DEBUGFS "/platform/lpars"
#define CALLS SIM_DEBUGFS "/platform/lpar_calls"

/* The LPID that the platform was told for this GPU; 0: none. */
static unsigned int lpid_of(const char *bdf)
{
	char text[512] = "", *line;

	util_read(LPARS, text, sizeof(text));
	line = strstr(text, bdf);
	return line ? (unsigned int)strtoul(line + strlen(bdf), NULL, 10) : 0;
}

static void nothing_out_of_turn(void)
{
	EQ(util_lines(CALLS, "odd 0"), 1, "calls out of turn");
	EQ(util_lines(LPARS, NULL), 0, "guests that are still mapped");
}

static void no_guest_no_call(void)
{
	nvlink_open(&nv, &one_link);
	EQ(util_lines(LPARS, NULL), 0, "guests mapped");
	nvlink_close(&nv);
	nothing_out_of_turn();
}

static void guest_mapped_while_open(void)
{
	struct guest g;

	guest_make(&g);
	nvlink_make(&nv, 0, &one_link);
	nvlink_bind(&nv);
	for (int i = 0; i < 3; i++) {
		EQ(guest_open(&g, &nv.gpu.vfio, nv.gpu.bdf), 0, "open with a guest");
		OK(lpid_of(nv.gpu.bdf), "round %d: no LPID", i);
		guest_close(&g, &nv.gpu.vfio);
		EQ(lpid_of(nv.gpu.bdf), 0, "round %d: LPID after close", i);
	}
	/* A bridge has nothing to map. */
	EQ(guest_open(&g, &nv.bridge[0], nv.bridge[0].bdf), 0, "bridge: open with a guest");
	EQ(util_lines(LPARS, NULL), 0, "guests mapped to a bridge");
	guest_close(&g, &nv.bridge[0]);
	guest_end(&g);
	nothing_out_of_turn();
}

/* P6: the number of a guest that went is nobody else's while the GPU has it. */
static void P6_guest_goes_first(void)
{
	struct guest first, second;
	unsigned int lpid;

	nvlink_make(&nv, 0, &one_link);
	nvlink_make(&other, 1, &next_link);
	nvlink_bind(&nv);
	nvlink_bind(&other);
	guest_make(&first);
	EQ(guest_open(&first, &nv.gpu.vfio, nv.gpu.bdf), 0, "open with a guest");
	lpid = lpid_of(nv.gpu.bdf);
	OK(lpid, "no LPID");
	guest_end(&first);
	EQ(lpid_of(nv.gpu.bdf), lpid, "LPID after the guest went");
	guest_make(&second);
	EQ(guest_open(&second, &other.gpu.vfio, other.gpu.bdf), 0, "open with the next guest");
	OK(lpid_of(other.gpu.bdf), "next guest: no LPID");
	OK(lpid_of(other.gpu.bdf) != lpid, "next guest has the first one's LPID %u", lpid);
	vfio_close(&nv.gpu.vfio);
	guest_close(&second, &other.gpu.vfio);
	guest_end(&second);
	nothing_out_of_turn();
}

static void guest_refused(void)
{
	struct guest g;

	guest_make(&g);
	nvlink_make(&nv, 0, &one_link);
	nvlink_bind(&nv);
	nvlink_platform_set("refuse", "lpar");
	EQ(guest_open(&g, &nv.gpu.vfio, nv.gpu.bdf), EIO, "open with a guest that is refused");
	guest_close(&g, &nv.gpu.vfio);
	nvlink_platform_set("refuse", "none");
	EQ(guest_open(&g, &nv.gpu.vfio, nv.gpu.bdf), 0, "open afterwards");
	OK(lpid_of(nv.gpu.bdf), "no LPID");
	guest_close(&g, &nv.gpu.vfio);
	guest_end(&g);
	nothing_out_of_turn();
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(P4_dma_and_cpu_agree),
		KTAP_CASE(P3_overlap),
		KTAP_CASE(P7_unmapped_while_in_tces),
		KTAP_CASE(no_guest_no_call),
		KTAP_CASE(guest_mapped_while_open),
		KTAP_CASE(P6_guest_goes_first),
		KTAP_CASE(guest_refused),
	};

	nvlink_suite();
	return ktap_main("nvlink2_power", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
