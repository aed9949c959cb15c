// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests that own a GPU: QEMU with KVM, from Debian's packages, in this VM. One case is the life of
 * a guest, from power-on to power-off; the cases after it are what that guest said (inner/grace.c).
 */
#include <string.h>

#include "guest.h"

static struct gpu gpu[GUEST_GPUS];

static const struct gpu_want gh200_96 = {.preset = "gh200-96"};
static const struct gpu_want gb200 = {.preset = "gb200"};
static const struct gpu_want gb300 = {.preset = "gb300"};
/* Small enough to be turned on and off often; the second keeps its memory over resets. */
static const struct gpu_want gb200_small = {.preset = "gb200", .mem_size = "1536M", .scrub = "all"};
static const struct gpu_want gh200_small = {.preset = "gh200-96", .mem_size = "2624M"};

/* A guest with the whole of a GPU, whose window older kernels map for DMA page by page. */
static void large_guest(const char *name, const struct gpu_want *want, double limit)
{
	const struct guest g = {.name = name,
				.gpus = 1,
				.gpu = {&gpu[0]},
				.roles = {"large"},
				.mem_mib = 768,
				.limit = limit};

	gpu_fresh(&gpu[0], want);
	pci_bind(gpu[0].bdf, pci_driver_name());
	guest_run(&g);
}

static void gh200_96_guest(void)
{
	large_guest("gh200_96", &gh200_96, 400);
}

/* The largest that a guest gets here: a window of 185 GiB in a BAR of 256 GiB. */
static void gb200_guest(void)
{
	large_guest("gb200", &gb200, 1000);
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
	const struct guest g = {
		.name = "next", .gpus = 1, .gpu = {&gpu[0]}, .roles = {"next"}, .limit = 200};

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
				.nodes = true,
				.limit = 400};

	gpu_fresh(&gpu[0], &gh200_small);
	pci_bind(gpu[0].bdf, pci_driver_name());
	guest_run(&g);
}

/* "LIFE_CASE": what the guest of that life said. */
static void said(void)
{
	const char *name = strchr(ktap_name(), '/') + 1,
		   *lives[] = {"gh200_96_", "gb200_",	   "gb300_", "no_mmap_",
			       "two_",	    "next_gb300_", "next_",  "numa_"};
	char life[16];

	if (strstr(name, "gb300_"))
		need_huge_entries();

	for (size_t i = 0; i < ARRAY_LEN(lives); i++) {
		size_t len = strlen(lives[i]);

		if (strncmp(name, lives[i], len))
			continue;
		snprintf(life, sizeof(life), "%.*s", (int)len - 1, name);
		guest_said_ok(life, name + len);
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
		SAID("two_usemem"),
		SAID("two_resmem"),
		SAID("two_past_end"),
		SAID("two_flr"),
		SAID("two_rebooted"),
		KTAP_CASE_SLOW(next_guest, 220),
		SAID("next_nothing_left"),
		SAID("next_simulator_refuses"),
		KTAP_CASE_FULL("no_mmap_guest", no_mmap_guest, 0, 320),
		SAID_FULL("no_mmap_ids"),
		SAID_FULL("no_mmap_bars"),
		SAID_FULL("no_mmap_registers"),
		SAID_FULL("no_mmap_sizing"),
		SAID_FULL("no_mmap_usemem"),
		SAID_FULL("no_mmap_resmem"),
		SAID_FULL("no_mmap_flr"),
		SAID_FULL("no_mmap_past_end"),
		KTAP_CASE_SLOW(numa_guest, 420),
		SAID("numa_ids"),
		SAID("numa_bars"),
		SAID("numa_nodes"),
		SAID("numa_initiators"),
		SAID("numa_usemem"),
		KTAP_CASE_SLOW(gh200_96_guest, 420),
		SAID("gh200_96_ids"),
		SAID("gh200_96_bars"),
		SAID("gh200_96_usemem"),
		SAID("gh200_96_resmem"),
		SAID("gh200_96_past_end"),
		KTAP_CASE_FULL("gb200_guest", gb200_guest, 0, 1020),
		SAID_FULL("gb200_ids"),
		SAID_FULL("gb200_bars"),
		SAID_FULL("gb200_usemem"),
		SAID_FULL("gb200_past_end"),
		KTAP_CASE_FULL("gb300_guest", gb300_guest, 0, 420),
		SAID_FULL("gb300_ids"),
		SAID_FULL("gb300_bars"),
		SAID_FULL("gb300_parts"),
		SAID_FULL("gb300_parts_past_end"),
		KTAP_CASE_FULL("next_gb300_guest", next_gb300_guest, 0, 420),
		SAID_FULL("next_gb300_ids"),
		SAID_FULL("next_gb300_parts_nothing_left"),
	};

	return ktap_main("guest_grace", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
