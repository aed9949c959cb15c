// SPDX-License-Identifier: GPL-2.0-only
/*
 * spec/nvlink2.md sections 4 and 5: mappings of the GPU's memory are registered for DMA, with a
 * platform that the simulator plays.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "nvlink.h"

static struct nvlink nv;

static const struct nvlink_want one_link = {.links = "1"};

/* The GPU alone, opened, enabled, trained. */
static void ram_open(void)
{
	nvlink_open(&nv, &one_link);
}

/* P4 and P5, as the platform sees them: each mapping with its own physical address. */
static void P4_registered_where_it_lies(void)
{
	const uint64_t part = 64 * KiB;
	char *p, *moved;

	ram_open();
	EQ(nvlink_registrations(), 0, "registrations before mmap");
	p = vfio_map(&nv.gpu.vfio, VFIO_SPECIAL, 1 * GiB, 8 * part);
	OK(nvlink_registered(p, 8 * part, nv.gpu.mem_base + 1 * GiB), "mmap at 1 GiB");
	munmap(p + 3 * part, 2 * part);
	OK(nvlink_registered(p, 3 * part, nv.gpu.mem_base + 1 * GiB), "before the hole");
	OK(nvlink_registered(p + 5 * part, 3 * part, nv.gpu.mem_base + 1 * GiB + 5 * part),
	   "behind the hole");
	EQ(nvlink_registrations(), 2, "registrations around a hole");
	munmap(p, 3 * part);
	moved = mremap(p + 5 * part, 3 * part, 3 * part, MREMAP_MAYMOVE | MREMAP_FIXED,
		       p - 512 * part);
	OK(moved != MAP_FAILED, "mremap: %s", strerror(errno));
	OK(nvlink_registered(moved, 3 * part, nv.gpu.mem_base + 1 * GiB + 5 * part), "moved");
	EQ(nvlink_registrations(), 1, "registrations after mremap");
	nvlink_agrees(&nv, moved, 1 * GiB + 5 * part, "moved");
	EQ(mprotect(moved + part, part, PROT_READ), 0, "mprotect of a part");
	EQ(nvlink_registrations(), 1, "registrations after a split");
	munmap(moved, 3 * part);
	EQ(nvlink_registrations(), 0, "registrations after munmap");
}

static void forked(void *arg)
{
	uint64_t value;

	EQ(vfio_touch_read(arg, &value), 0, "child: load");
	EQ(nvlink_registrations(), 1, "registrations while a child lives");
	munmap(arg, 32 * KiB);
	EQ(nvlink_registrations(), 1, "registrations after the child's munmap");
}

static void registered_for_the_owner_only(void)
{
	void *p;

	ram_open();
	p = vfio_map(&nv.gpu.vfio, VFIO_SPECIAL, 0, 64 * KiB);
	ktap_join_ok(ktap_spawn(forked, p), 10, "child");
	EQ(nvlink_registrations(), 1, "registrations after the child went");
	munmap(p, 64 * KiB);
	EQ(nvlink_registrations(), 0, "registrations after munmap");
}

/* P3: a refusal is an error of mmap(), and nothing else. */
static void P3_registration_refused(void)
{
	ram_open();
	nvlink_platform_set("refuse", "registration");
	EQ(vfio_map_errno(&nv.gpu.vfio, VFIO_SPECIAL, 0, 64 * KiB, PROT_READ, MAP_SHARED), EINVAL,
	   "mmap");
	nvlink_close(&nv);
	nvlink_platform_set("refuse", "none");
	EQ(nvlink_registrations(), 0, "registrations");
	vfio_open(&nv.gpu.vfio, nv.gpu.bdf);
	EQ(vfio_map_errno(&nv.gpu.vfio, VFIO_SPECIAL, 0, 64 * KiB, PROT_READ, MAP_SHARED), 0,
	   "mmap afterwards");
}

/* P7: the IOMMU still maps GPU memory when its user is gone. */
static void P7_closed_while_busy(void)
{
	void *p;

	ram_open();
	p = vfio_map(&nv.gpu.vfio, VFIO_SPECIAL, 0, 64 * KiB);
	nvlink_platform_set("busy", "1");
	munmap(p, 64 * KiB);
	nvlink_close(&nv);
	EQ(nvlink_registrations(), 1, "registrations while the IOMMU is busy");
	EQ(pci_unbind(nv.gpu.bdf), 0, "unbind");
	EQ(pci_unbind(nv.bridge[0].bdf), 0, "unbind of the bridge");
	EQ(pci_module_remove(NVLINK_DRIVER), EWOULDBLOCK, "removing the driver");
	nvlink_platform_set("busy", "0");
	for (int i = 0; i < 50 && nvlink_registrations(); i++)
		ktap_sleep(0.1);
	EQ(nvlink_registrations(), 0, "registrations after the IOMMU let go");
	EQ(pci_module_remove(NVLINK_DRIVER), 0, "removing the driver afterwards");
	EQ(pci_module_insert(NVLINK_DRIVER), 0, "loading it again");
}

/* P14: a kernel that would not survive it gets no registrations, and says so. */
static void P14_leaky_kernel(void)
{
	const char *const words[] = {"DMA target", "RCU read lock", NULL};
	int mark = util_log_mark();
	void *p;

	ram_open();
	nvlink_platform_set("leak", "1");
	p = vfio_map(&nv.gpu.vfio, VFIO_SPECIAL, 0, 64 * KiB);
	nvlink_agrees(&nv, p, 0, "mapping");
	if (util_log_has(mark, words))
		EQ(nvlink_registrations(), 0, "registrations, where the leak counts");
	else
		EQ(nvlink_registrations(), 1, "registrations, where it does not");
	munmap(p, 64 * KiB);
	EQ(nvlink_registrations(), 0, "registrations after munmap");
	nvlink_close(&nv);
	EQ(pci_unbind(nv.gpu.bdf), 0, "unbind");
	EQ(pci_unbind(nv.bridge[0].bdf), 0, "unbind of the bridge");
	EQ(pci_module_remove(NVLINK_DRIVER), 0, "removing the driver");
	EQ(pci_module_insert(NVLINK_DRIVER), 0, "loading it again");
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(P4_registered_where_it_lies),
		KTAP_CASE(registered_for_the_owner_only),
		KTAP_CASE(P3_registration_refused),
		KTAP_CASE(P7_closed_while_busy),
		KTAP_CASE(P14_leaky_kernel),
	};

	nvlink_suite();
	return ktap_main("nvlink2_dma", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
