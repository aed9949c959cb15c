// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests that own a GPU: QEMU with KVM, from Debian's packages, in this VM. One case is the life of
 * a guest, from power-on to power-off; the cases after it are what that guest said (inner/grace.c).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"

static struct gpu gpu[GUEST_GPUS];

/* What QEMU finds and maps, and files that it maps for other devices; older ones have no such event. */
static const char *const trace[] = {"vfio_region_setup", "vfio_region_mmap",
				    "vfio_listener_region_add_ram", "iommufd_backend_map_file*",
				    NULL};

static const struct gpu_want gh200_96 = {.preset = "gh200-96"};
static const struct gpu_want gb200 = {.preset = "gb200"};
static const struct gpu_want gb300 = {.preset = "gb300"};
/* Small enough to be turned on and off often; the second keeps its memory over resets. */
static const struct gpu_want gb200_small = {.preset = "gb200", .mem_size = "1536M", .scrub = "all"};
static const struct gpu_want gh200_small = {.preset = "gh200-96", .mem_size = "2624M"};

/* A guest with the whole of a GPU, whose window older kernels map for DMA page by page. */
static void large_guest(const char *name, const struct gpu_want *want, const char *role,
			const char *again, double limit)
{
	const struct guest g = {.name = name,
				.gpus = 1,
				.gpu = {&gpu[0]},
				.roles = {role, again},
				.trace = trace,
				.mem_mib = 768,
				.limit = limit};

	gpu_fresh(&gpu[0], want);
	pci_bind(gpu[0].bdf, pci_driver_name());
	guest_run(&g);
}

static void gh200_96_guest(void)
{
	if (ktap_quick())
		large_guest("gh200_96", &gh200_96, "large", NULL, 400);
	else
		large_guest("gh200_96", &gh200_96, "large_reboot", "large_again", 900);
}

/* The largest that a guest gets here: a window of 185 GiB in a BAR of 256 GiB. */
static void gb200_guest(void)
{
	const bool huge = ktap_kernel("7.2");

	large_guest("gb200", &gb200, huge ? "large_flr" : "large", NULL, 1000);
}

/*
 * The largest there is: a window of 276 GiB in a BAR of 512 GiB, for which a guest's machine must have
 * room; and the only one whose resets clear memory by themselves, as the next guest sees.
 */
static void huge_guest(const char *name, const char *role)
{
	const struct guest g = {.name = name,
				.gpus = 1,
				.gpu = {&gpu[0]},
				.roles = {role},
				.trace = trace,
				.window_gib = 1024,
				.mem_mib = 768,
				.limit = 400};

	pci_bind(gpu[0].bdf, pci_driver_name());
	guest_run(&g);
}

static void need_huge_entries(void)
{
	if (!ktap_kernel("7.2"))
		ktap_skip("this kernel maps 276 GiB for DMA page by page, minutes each time");
	if (vfio_by_iommufd())
		ktap_skip("so far tried by container and group only");
}

static void gb300_guest(void)
{
	need_huge_entries();
	gpu_fresh(&gpu[0], &gb300);
	huge_guest("gb300", "huge");
}

static void next_gb300_guest(void)
{
	need_huge_entries();
	gpu_learn(&gpu[0], "t0");
	EQ(pci_unbind(gpu[0].bdf), 0, "unbind: errno");
	huge_guest("next_gb300", "huge_next");
}

static void two_guest(void)
{
	const struct guest g = {.name = "two",
				.gpus = 2,
				.gpu = {&gpu[0], &gpu[1]},
				.roles = {"first", "again"},
				.trace = trace,
				.limit = 300};

	gpu_fresh(&gpu[0], &gb200_small);
	pci_bind(gpu[0].bdf, pci_driver_name());
	gpu_make(&gpu[1], 1, &gh200_small);
	pci_bind(gpu[1].bdf, pci_driver_name());
	guest_run(&g);
}

/* Another guest gets a GPU that the last one had; nobody cleared it but the device itself. */
static void next_guest(void)
{
	const struct guest g = {.name = "next",
				.gpus = 1,
				.gpu = {&gpu[0]},
				.roles = {"next"},
				.trace = trace,
				.limit = 200};

	gpu_learn(&gpu[0], "t0");
	EQ(pci_unbind(gpu[0].bdf), 0, "unbind: errno");
	pci_bind(gpu[0].bdf, pci_driver_name());
	guest_run(&g);
}

/* Each access of the guest's is a read or write of QEMU's. */
static void no_mmap_guest(void)
{
	const struct guest g = {.name = "no_mmap",
				.gpus = 1,
				.gpu = {&gpu[0]},
				.roles = {"small"},
				.trace = trace,
				.vfio = ",x-no-mmap=on",
				.limit = 300};

	gpu_fresh(&gpu[0], &gh200_small);
	pci_bind(gpu[0].bdf, pci_driver_name());
	guest_run(&g);
}

/* The GPU's driver in a guest puts its memory into nodes that the VMM made for it. */
static void numa_guest(void)
{
	const struct guest g = {.name = "numa",
				.gpus = 1,
				.gpu = {&gpu[0]},
				.roles = {"numa"},
				.trace = trace,
				.nodes = true,
				.limit = 400};

	gpu_fresh(&gpu[0], &gh200_small);
	pci_bind(gpu[0].bdf, pci_driver_name());
	guest_run(&g);
}

/* The window behind @bar of a GPU that is there: its length, 0 if it has none. */
static uint64_t window(const struct gpu *g, int bar)
{
	/* Hopper's parts, 0x2340 to 0x237f, need an uncached one; later ones do not. */
	const bool whole = sim_get_number(g->name, "device") >= 0x2380;

	if (bar == 4)
		return whole ? g->mem_size : gpu_window_size(g, VFIO_USEMEM);
	return whole ? 0 : gpu_window_size(g, VFIO_RESMEM);
}

/*
 * How QEMU has a window. A guest is served either way, so only QEMU tells: one that it maps a guest
 * gets as memory, one that it does not each access of the guest's comes to QEMU for.
 */
static void window_mapped(const char *life, const struct gpu *g, int bar, bool want)
{
	char line[128], region[64], number[32];
	const char *const found[] = {"vfio_region_setup", g->bdf, number, NULL},
			  *const any[] = {"vfio_region_mmap ", region, NULL};

	snprintf(line, sizeof(line),
		 "vfio_region_mmap Region %s BAR %d mmaps[0] [0x0 - 0x%" PRIx64 "]", g->bdf, bar,
		 window(g, bar) - 1);
	snprintf(region, sizeof(region), "%s BAR %d", g->bdf, bar);
	snprintf(number, sizeof(number), "region %d ", bar);
	EQ(guest_vmm_said(life, found), true, "%s: QEMU found %s", life, region);
	EQ(guest_traced(life, line), want, "%s: QEMU noted '%s'", life, line);
	EQ(guest_vmm_said(life, any), want, "%s: QEMU mapped %s", life, region);
}

/* QEMU gave the IOMMU memory of just this length, and did not say that it could not. */
static void window_given(const char *life, int bar, uint64_t length)
{
	const char *const refused[] = {"_dma_map(", NULL};

	OK(guest_memory_added(life, length), "%s: QEMU noted no memory of BAR%d's 0x%" PRIx64, life,
	   bar, length);
	OK(!guest_vmm_said(life, refused), "%s: QEMU could not map a region for DMA", life);
}

/* For other devices of the guest: as QEMU's memory; by an iommufd as a file of the driver's, or not at all. */
static void window_for_dma(const char *life, const struct gpu *g, int bar)
{
	const char *const bar_refused[] = {"PCI BAR?", NULL};
	const char *qemu = getenv("COHGPU_GUESTS");
	char size[64];
	const char *const by_file[] = {"iommufd_backend_map_file_dma", size, " (0)", NULL};

	if (!vfio_by_iommufd()) {
		window_given(life, bar, window(g, bar));
		return;
	}
	snprintf(size, sizeof(size), " size=0x%" PRIx64 " ", window(g, bar));
	EQ(guest_vmm_said(life, by_file), !strcmp(qemu, "forky"), "%s: BAR%d is mapped as a file",
	   life, bar);
	EQ(guest_vmm_said(life, bar_refused), strcmp(qemu, "forky") != 0,
	   "%s: QEMU cannot map BARs", life);
}

static void windows(const char *life)
{
	const bool mapped = strcmp(life, "no_mmap") != 0;
	const int gpus = strcmp(life, "two") ? 1 : 2;
	char name[8];

	for (int i = 0; i < gpus; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		gpu_learn(&gpu[i], name);
		for (int bar = 2; bar <= 4; bar += 2) {
			if (!window(&gpu[i], bar))
				continue;
			window_mapped(life, &gpu[i], bar, mapped);
			if (mapped)
				window_for_dma(life, &gpu[i], bar);
		}
	}
}

/* "LIFE_CASE": what the guest of that life said; of its windows, what QEMU did. */
static void said(void)
{
	const char *name = strchr(ktap_name(), '/') + 1,
		   *lives[] = {"gh200_96_", "gb200_",	   "gb300_", "no_mmap_",
			       "two_",	    "next_gb300_", "next_",  "numa_"};
	char life[16];

	if (strstr(name, "gb300_"))
		need_huge_entries();
	if (!strcmp(name, "gb200_flr") && !ktap_kernel("7.2"))
		ktap_skip("this kernel maps 185 GiB for DMA page by page, minutes each time");

	for (size_t i = 0; i < ARRAY_LEN(lives); i++) {
		size_t len = strlen(lives[i]);

		if (strncmp(name, lives[i], len))
			continue;
		snprintf(life, sizeof(life), "%.*s", (int)len - 1, name);
		if (strcmp(name + len, "windows"))
			guest_said_ok(life, name + len);
		else
			windows(life);
		return;
	}
	ktap_fail("of which guest?");
}

#define SAID(label)	 KTAP_CASE_ARG(label, said, 0)
#define SAID_FULL(label) KTAP_CASE_FULL(label, said, 0, 0)

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE_SLOW(two_guest, 320),
		SAID("two_ids"),
		SAID("two_bars"),
		SAID("two_registers"),
		SAID("two_sizing"),
		SAID("two_rescan"),
		SAID("two_usemem"),
		SAID("two_resmem"),
		SAID("two_past_end"),
		SAID("two_flr"),
		SAID("two_rebooted"),
		SAID("two_windows"),
		KTAP_CASE_SLOW(next_guest, 220),
		SAID("next_nothing_left"),
		SAID("next_simulator_refuses"),
		SAID("next_windows"),
		KTAP_CASE_FULL("no_mmap_guest", no_mmap_guest, 0, 320),
		SAID_FULL("no_mmap_ids"),
		SAID_FULL("no_mmap_bars"),
		SAID_FULL("no_mmap_registers"),
		SAID_FULL("no_mmap_sizing"),
		SAID_FULL("no_mmap_rescan"),
		SAID_FULL("no_mmap_usemem"),
		SAID_FULL("no_mmap_resmem"),
		SAID_FULL("no_mmap_flr"),
		SAID_FULL("no_mmap_past_end"),
		SAID_FULL("no_mmap_windows"),
		KTAP_CASE_SLOW(numa_guest, 420),
		SAID("numa_ids"),
		SAID("numa_bars"),
		SAID("numa_nodes"),
		SAID("numa_initiators"),
		SAID("numa_usemem"),
		SAID("numa_windows"),
		KTAP_CASE_SLOW(gh200_96_guest, 920),
		SAID("gh200_96_ids"),
		SAID("gh200_96_bars"),
		SAID("gh200_96_usemem"),
		SAID("gh200_96_resmem"),
		SAID("gh200_96_past_end"),
		SAID("gh200_96_registers"),
		SAID_FULL("gh200_96_flr"),
		SAID_FULL("gh200_96_rebooted"),
		SAID("gh200_96_windows"),
		KTAP_CASE_FULL("gb200_guest", gb200_guest, 0, 1020),
		SAID_FULL("gb200_ids"),
		SAID_FULL("gb200_bars"),
		SAID_FULL("gb200_usemem"),
		SAID_FULL("gb200_past_end"),
		SAID_FULL("gb200_registers"),
		SAID_FULL("gb200_flr"),
		SAID_FULL("gb200_windows"),
		KTAP_CASE_FULL("gb300_guest", gb300_guest, 0, 420),
		SAID_FULL("gb300_ids"),
		SAID_FULL("gb300_bars"),
		SAID_FULL("gb300_parts"),
		SAID_FULL("gb300_parts_past_end"),
		SAID_FULL("gb300_windows"),
		KTAP_CASE_FULL("next_gb300_guest", next_gb300_guest, 0, 420),
		SAID_FULL("next_gb300_ids"),
		SAID_FULL("next_gb300_parts_nothing_left"),
		SAID_FULL("next_gb300_windows"),
	};

	return ktap_main("guest_grace", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
