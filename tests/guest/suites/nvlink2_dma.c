// SPDX-License-Identifier: GPL-2.0-only
/*
 * spec/nvlink2.md sections 4 and 5: mappings of the GPU's memory are registered for DMA, with a
 * platform that the simulator plays.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#include "nvlink.h"

#define PIECE  (64 * KiB)
#define UNSAFE "/sys/module/" NVLINK_DRIVER "/parameters/allow_unsafe_dma"

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
	p = nvlink_map(&nv, 1 * GiB, 8 * part, 0);
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
	p = nvlink_map(&nv, 0, PIECE, 0);
	ktap_join_ok(ktap_spawn(forked, p), 10, "child");
	EQ(nvlink_registrations(), 1, "registrations after the child went");
	munmap(p, PIECE);
	EQ(nvlink_registrations(), 0, "registrations after munmap");
}

/* Where the kernel registers nothing, memory can be mapped and used by the CPU. */
static void no_provider(void)
{
	char *p;

	nvlink_make(&nv, 0, &one_link);
	EQ(sim_unload_power(), 0, "removing the simulated platform");
	nvlink_bind(&nv);
	nvlink_open_bound(&nv);
	p = nvlink_map(&nv, 0, 2 * PIECE, 0);
	nvlink_agrees(&nv, p, 0, "mapping");
	munmap(p + PIECE, PIECE);
	sim_load_power();
	EQ(nvlink_registrations(), 0, "registrations of what was mapped before");
	munmap(p, PIECE);
	p = nvlink_map(&nv, 0, PIECE, 0);
	OK(nvlink_registered(p, PIECE, nv.gpu.mem_base), "mapped afterwards: not registered");
	EQ(sim_unload_power(), EWOULDBLOCK, "removing what has a registration");
	munmap(p, PIECE);
}

/* P3: a refusal is an error of mmap(), and nothing else. */
static void P3_registration_refused(void)
{
	ram_open();
	nvlink_platform_set("refuse", "registration");
	EQ(nvlink_map_errno(&nv, 0, PIECE), EINVAL, "mmap");
	nvlink_close(&nv);
	nvlink_platform_set("refuse", "none");
	EQ(nvlink_registrations(), 0, "registrations");
	vfio_open(&nv.gpu.vfio, nv.gpu.bdf);
	EQ(nvlink_map_errno(&nv, 0, PIECE), 0, "mmap afterwards");
}

/*
 * The IOMMU's code takes its largest page from physical address and length. Where the user address
 * has less alignment it would stop the machine, so there nothing is registered, and the log says so;
 * nor of what an munmap leaves.
 */
static void askew_is_not_registered(void)
{
	const uint64_t page = util_page();
	int mark = util_log_mark();
	char *p;

	ram_open();
	p = nvlink_map(&nv, 0, 2 * PIECE, page);
	EQ(nvlink_platform_number("askew"), 0, "registrations that could stop the machine");
	EQ(nvlink_registrations(), 0, "registrations");
	OK(util_log_has(mark, (const char *const[]){nv.gpu.bdf, "DMA", "aligned", NULL}),
	   "the log does not say what alignment it takes");
	nvlink_agrees(&nv, p, 0, "mapping");
	munmap(p, 2 * PIECE);
	/* An odd number of pages: the largest IOMMU page is a page, and any address has that. */
	p = nvlink_map(&nv, 0, 2 * PIECE + page, page);
	EQ(nvlink_registrations(), 1, "registrations of an odd length");
	munmap(p + 2 * PIECE, page);
	EQ(nvlink_platform_number("askew"), 0, "what an munmap left could stop the machine");
	munmap(p, 2 * PIECE);
	EQ(nvlink_registrations(), 0, "registrations after munmap");
	/* Who knows what the VM's owner does with it can have it all the same. */
	EQ(util_write(UNSAFE, "Y"), 0, UNSAFE);
	p = nvlink_map(&nv, 0, 2 * PIECE, page);
	EQ(util_write(UNSAFE, "N"), 0, UNSAFE);
	EQ(nvlink_registrations(), 1, "registrations, if that is allowed");
	munmap(p, 2 * PIECE);
}

/* IOMMU pages have a largest size, and no mapping need be aligned beyond it. */
static void aligned_to_the_largest_page(void)
{
	char *p;

	ram_open();
	p = nvlink_map(&nv, 0, 4 * GiB, GiB);
	EQ(nvlink_registrations(), 1, "registrations of 4 GiB at an address aligned to 1 GiB");
	munmap(p, 4 * GiB);
	p = nvlink_map(&nv, 0, 4 * GiB, GiB / 2);
	EQ(nvlink_registrations(), 0, "registrations of 4 GiB at an address aligned to 512 MiB");
	munmap(p, 4 * GiB);
}

static void gone_within(double seconds, const char *when)
{
	double end = ktap_now() + seconds;

	while (nvlink_registrations() && ktap_now() < end)
		ktap_sleep(0.1);
	EQ(nvlink_registrations(), 0, "registrations %s", when);
}

/*
 * P7: who uses GPU memory for DMA still has it when its mapping is gone: the IOMMU, or a container
 * that registered it, too. Nobody else may open the GPU then, and the driver stays.
 */
static void closed_while(const char *used)
{
	const char *const words[] = {nv.gpu.bdf, "open", "DMA", NULL};
	int mark;
	void *p;

	ram_open();
	p = nvlink_map(&nv, 0, PIECE, 0);
	nvlink_platform_set(used, "1");
	munmap(p, PIECE);
	nvlink_close(&nv);
	EQ(nvlink_registrations(), 1, "registrations while it is %s", used);
	mark = util_log_mark();
	EQ(vfio_try_open(&nv.gpu.vfio, nv.gpu.bdf), EBUSY, "open while it is %s: errno", used);
	vfio_close(&nv.gpu.vfio);
	OK(util_log_has(mark, words), "the log does not say why");
	EQ(pci_unbind(nv.gpu.bdf), 0, "unbind");
	EQ(pci_unbind(nv.bridge[0].bdf), 0, "unbind of the bridge");
	EQ(pci_module_remove(NVLINK_DRIVER), EWOULDBLOCK, "removing the driver");
	nvlink_bind(&nv);
	EQ(vfio_try_open(&nv.gpu.vfio, nv.gpu.bdf), EBUSY, "open, bound anew: errno");
	vfio_close(&nv.gpu.vfio);
	nvlink_platform_set(used, "0");
	vfio_open(&nv.gpu.vfio, nv.gpu.bdf);
	EQ(nvlink_registrations(), 0, "registrations after an open");
	vfio_close(&nv.gpu.vfio);
}

static void P7_closed_while_busy(void)
{
	closed_while("busy");
}

static void P7_closed_while_held(void)
{
	closed_while("held");
}

/* What nobody opens is given back all the same, and then the driver can go. */
static void P7_driver_goes_in_the_end(void)
{
	static const char *const uses[] = {"busy", "held"};

	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		void *p;

		ram_open();
		p = nvlink_map(&nv, 0, PIECE, 0);
		nvlink_platform_set(uses[i], "1");
		munmap(p, PIECE);
		nvlink_close(&nv);
		EQ(pci_unbind(nv.gpu.bdf), 0, "unbind");
		EQ(pci_unbind(nv.bridge[0].bdf), 0, "unbind of the bridge");
		ktap_sleep(1.5);
		EQ(nvlink_registrations(), 1, "%s: registrations", uses[i]);
		nvlink_platform_set(uses[i], "0");
		gone_within(60, "after the IOMMU let go");
		nvlink_driver_again();
	}
}

/* A program cannot have the kernel keep more and more for it. */
static void P7_bounded(void)
{
	const char *const words[] = {nv.gpu.bdf, "DMA", "1024", NULL};
	int mark, err = 0, n;

	ram_open();
	EQ(nvlink_map_errno(&nv, 0, PIECE), 0, "mmap: errno");
	nvlink_platform_set("busy", "1");
	mark = util_log_mark();
	for (n = 0; n < 2000 && !err; n++) {
		void *p = mmap(NULL, util_page(), PROT_READ, MAP_SHARED, nv.gpu.vfio.fd,
			       (off_t)nv.gpu.vfio.region[VFIO_SPECIAL].offset);

		err = p == MAP_FAILED ? errno : 0;
		if (!err)
			munmap(p, util_page());
		/* Not there again, where it is registered. */
		mmap(p, util_page(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	}
	EQ(err, ENOSPC, "the last mmap: errno");
	EQ(nvlink_registrations(), 1024, "registrations that nobody maps any more");
	OK(util_log_has(mark, words), "the log does not say why");
	nvlink_platform_set("busy", "0");
	gone_within(60, "after the IOMMU let go");
}

/* P14: a kernel that would not survive it gets no registrations, and says so. */
static void P14_leaky_kernel(void)
{
	const char *const words[] = {"DMA target", "RCU read lock", NULL};
	int mark = util_log_mark();
	struct utsname kernel;
	bool counts;
	void *p;

	uname(&kernel);
	counts = strstr(kernel.version, "PREEMPT");
	/* It asks once, before its first registration. */
	nvlink_make(&nv, 0, &one_link);
	nvlink_driver_again();
	nvlink_platform_set("leak", "1");
	nvlink_bind(&nv);
	nvlink_open_bound(&nv);
	p = nvlink_map(&nv, 0, PIECE, 0);
	nvlink_agrees(&nv, p, 0, "mapping");
	EQ(util_log_has(mark, words), counts, "told of the leak, on %s", kernel.version);
	EQ(nvlink_registrations(), !counts, "registrations, on %s", kernel.version);
	munmap(p, PIECE);
	EQ(nvlink_registrations(), 0, "registrations after munmap");
	nvlink_close(&nv);
	EQ(pci_unbind(nv.gpu.bdf), 0, "unbind");
	EQ(pci_unbind(nv.bridge[0].bdf), 0, "unbind of the bridge");
	nvlink_driver_again();
}

/*
 * Nor may one whose registrations outlive what asked for them be trusted with the user's. What it
 * asks with can be mapped for DMA by nobody: no IOMMU page fits its physical address.
 */
static void P14_asked_elsewhere(void)
{
	char line[256] = "";
	uint64_t base;
	void *p;

	nvlink_make(&nv, 0, &one_link);
	nvlink_driver_again();
	nvlink_bind(&nv);
	nvlink_open_bound(&nv);
	nvlink_platform_set("busy", "1");
	EQ(nvlink_map_errno(&nv, 0, PIECE), EBUSY, "mmap, where nothing can be given back: errno");
	EQ(nvlink_registrations(), 1, "registrations: what it asked with");
	EQ(util_read(SIM_POWER "/registrations", line, sizeof(line)), 0, "reading it");
	base = strtoull(strrchr(line, ' '), NULL, 16);
	OK(base > nv.gpu.mem_base && base - nv.gpu.mem_base < util_page() && base % 2,
	   "an IOMMU page fits what it asked with: %s", line);
	nvlink_platform_set("busy", "0");
	gone_within(5, "when that can be given back");
	p = nvlink_map(&nv, 0, PIECE, 0);
	OK(nvlink_registered(p, PIECE, nv.gpu.mem_base), "mmap afterwards: not registered");
	munmap(p, PIECE);
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(P4_registered_where_it_lies),
		KTAP_CASE(registered_for_the_owner_only),
		KTAP_CASE(no_provider),
		KTAP_CASE(P3_registration_refused),
		KTAP_CASE(askew_is_not_registered),
		KTAP_CASE(aligned_to_the_largest_page),
		KTAP_CASE(P7_closed_while_busy),
		KTAP_CASE(P7_closed_while_held),
		KTAP_CASE(P7_driver_goes_in_the_end),
		KTAP_CASE(P7_bounded),
		KTAP_CASE(P14_leaky_kernel),
		KTAP_CASE(P14_asked_elsewhere),
	};

	nvlink_suite();
	return ktap_main("nvlink2_dma", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
