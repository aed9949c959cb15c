// SPDX-License-Identifier: GPL-2.0-only
/*
 * spec/nvlink2.md section 5 on POWER, where guests have an LPID: a GPU is mapped to the guest that
 * it is opened with, by a platform that the simulator plays.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "nvlink.h"
#include "power.h"
#include "trace.h"

static struct nvlink nv, other;

static const struct nvlink_want one_link = {.links = "1"};
static const struct nvlink_want next_link = {.links = "1", .first_link = "1"};

#define LPARS SIM_POWER "/lpars"
#define CALLS SIM_POWER "/lpar_calls"

/* The LPID that the platform was told for this GPU; 0: none. */
static unsigned int lpid_of(const char *bdf)
{
	char text[512] = "", *line;

	util_read(LPARS, text, sizeof(text));
	line = strstr(text, bdf);
	return line ? (unsigned int)strtoul(line + strlen(bdf), NULL, 10) : 0;
}

/* Of a guest's process, by the Power ISA: data is relocated, in problem state. */
#define MSR_DR 0x10
#define MSR_PR 0x4000

/* The machine state that the platform was told for it. */
static unsigned long msr_of(const char *bdf)
{
	char text[512] = "", *line;

	util_read(LPARS, text, sizeof(text));
	line = strstr(text, bdf);
	OK(line, "%s: no guest", bdf);
	strtoul(line + strlen(bdf), &line, 10);
	return strtoul(line, NULL, 16);
}

/* A number that stands behind its name in the platform's account of calls. */
static unsigned long calls(const char *name)
{
	char text[256] = "", *at;

	EQ(util_read(CALLS, text, sizeof(text)), 0, CALLS);
	at = strstr(text, name);
	OK(at, CALLS ": no %s", name);
	return strtoul(at + strlen(name), NULL, 10);
}

static void nothing_out_of_turn(void)
{
	EQ(util_lines(CALLS, "odd 0\n"), 1, "calls out of turn");
	EQ(util_lines(LPARS, NULL), 0, "guests that are still mapped");
	EQ(calls("unmap "), calls("map "), "guests unmapped, of those mapped");
	/* A folder each, until the last reference to it is given back. */
	EQ(util_folders("/sys/kernel/debug/kvm"), 0, "guests that are left");
}

static void no_guest_no_call(void)
{
	nvlink_open(&nv, &one_link);
	EQ(util_lines(LPARS, NULL), 0, "guests mapped");
	nvlink_close(&nv);
	nothing_out_of_turn();
}

static void guest_and_gpu(struct power_guest *g)
{
	guest_make(g);
	nvlink_make(&nv, 0, &one_link);
	nvlink_bind(&nv);
}

static void guest_mapped_while_open(void)
{
	struct power_guest g;

	guest_and_gpu(&g);
	for (int i = 0; i < 3; i++) {
		EQ(power_open(&nv.gpu.vfio, nv.gpu.bdf, 2, &g), 0, "open with a guest");
		OK(lpid_of(nv.gpu.bdf), "round %d: no LPID", i);
		EQ(msr_of(nv.gpu.bdf), MSR_DR | MSR_PR, "round %d: MSR", i);
		power_close(&nv.gpu.vfio, &g);
		EQ(lpid_of(nv.gpu.bdf), 0, "round %d: LPID after close", i);
	}
	/* A bridge has nothing to map. */
	EQ(power_open(&nv.bridge[0], nv.bridge[0].bdf, 2, &g), 0, "bridge: open with a guest");
	EQ(util_lines(LPARS, NULL), 0, "guests mapped to a bridge");
	power_close(&nv.bridge[0], &g);
	guest_end(&g);
	nothing_out_of_turn();
}

static void guest_tracepoints(void)
{
	static const char *const events[] = {"nvlink2_lpar_map", "nvlink2_lpar_unmap"};
	struct power_guest g;
	unsigned int lpid;
	char line[256];

	guest_and_gpu(&g);
	trace_start("nvlink2");
	EQ(power_open(&nv.gpu.vfio, nv.gpu.bdf, 2, &g), 0, "open with a guest");
	lpid = lpid_of(nv.gpu.bdf);
	power_close(&nv.gpu.vfio, &g);
	guest_end(&g);
	/* Whom they name is gone. */
	sim_remove(nv.gpu.name);
	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		const char *const words[] = {events[i], nv.gpu.bdf, NULL};

		EQ(trace_lines(words, line, sizeof(line)), 1, "%s: lines", events[i]);
		EQ(trace_number(line, "LPID"), lpid, "%s", line);
		OK(strstr(line, ": 0"), "result: %s", line);
	}
	trace_stop();
}

/*
 * A kernel that cannot map a GPU to a guest opens it without one only, and says what it lacks. When
 * that comes, as in a module, it is found.
 */
static void no_provider(void)
{
	const char *const words[] = {"pnv_npu2_map_lpar_dev()", "pnv_npu2_unmap_lpar_dev()", NULL};
	const uint64_t bytes = 256 * KiB;
	struct power_guest g;
	int mark;
	void *p;

	guest_make(&g);
	nvlink_make(&nv, 0, &one_link);
	nvlink_make(&other, 1, &next_link);
	EQ(sim_unload_power(), 0, "removing the simulated platform");
	nvlink_bind(&nv);
	nvlink_bind(&other);
	nvlink_open_bound(&nv);
	/* What is registered keeps what the driver has found by now. */
	p = nvlink_map(&nv, 0, bytes, 0);
	nvlink_agrees(&nv, p, 0, "mapping, without a guest");
	mark = util_log_mark();
	EQ(power_open(&other.gpu.vfio, other.gpu.bdf, 2, &g), EOPNOTSUPP, "open with a guest");
	OK(util_log_has(mark, words), "the log does not say what the kernel lacks");
	power_close(&other.gpu.vfio, &g);
	sim_load_power();
	EQ(power_open(&other.gpu.vfio, other.gpu.bdf, 2, &g), 0, "open, when it came: errno");
	OK(lpid_of(other.gpu.bdf), "no LPID");
	EQ(sim_unload_power(), EWOULDBLOCK, "removing what has a guest");
	power_close(&other.gpu.vfio, &g);
	guest_end(&g);
	munmap(p, bytes);
	nvlink_close(&nv);
	nothing_out_of_turn();
}

/* P6: the number of a guest that went is nobody else's while the GPU has it. */
static void P6_guest_goes_first(void)
{
	struct power_guest first, second;
	unsigned int lpid;

	nvlink_make(&nv, 0, &one_link);
	nvlink_make(&other, 1, &next_link);
	nvlink_bind(&nv);
	nvlink_bind(&other);
	guest_make(&first);
	EQ(power_open(&nv.gpu.vfio, nv.gpu.bdf, 2, &first), 0, "open with a guest");
	lpid = lpid_of(nv.gpu.bdf);
	OK(lpid, "no LPID");
	guest_end(&first);
	EQ(lpid_of(nv.gpu.bdf), lpid, "LPID after the guest went");
	guest_make(&second);
	EQ(power_open(&other.gpu.vfio, other.gpu.bdf, 2, &second), 0, "open with the next guest");
	OK(lpid_of(other.gpu.bdf), "next guest: no LPID");
	OK(lpid_of(other.gpu.bdf) != lpid, "next guest has the first one's LPID %u", lpid);
	vfio_close(&nv.gpu.vfio);
	power_close(&other.gpu.vfio, &second);
	guest_end(&second);
	nothing_out_of_turn();
}

/* P8: a guest that the platform does not map is no guest that the device opens for. */
static void P8_guest_refused(void)
{
	struct power_guest g;

	guest_and_gpu(&g);
	nvlink_platform_set("refuse", "lpar");
	EQ(power_open(&nv.gpu.vfio, nv.gpu.bdf, 2, &g), EIO, "open with a guest that is refused");
	power_close(&nv.gpu.vfio, &g);
	nvlink_platform_set("refuse", "none");
	EQ(power_open(&nv.gpu.vfio, nv.gpu.bdf, 2, &g), 0, "open afterwards");
	OK(lpid_of(nv.gpu.bdf), "no LPID");
	power_close(&nv.gpu.vfio, &g);
	guest_end(&g);
	nothing_out_of_turn();
}

/* Open with a guest that goes while the platform keeps it mapped to the GPU: the LPID that stays. */
static unsigned int guest_stays(void)
{
	const char *const words[] = {nv.gpu.bdf, "unmap LPID", "-5", NULL};
	struct power_guest g;
	unsigned int lpid;
	int mark;

	guest_make(&g);
	EQ(power_open(&nv.gpu.vfio, nv.gpu.bdf, 2, &g), 0, "open with a guest");
	lpid = lpid_of(nv.gpu.bdf);
	OK(lpid, "no LPID");
	nvlink_platform_set("refuse", "unmap");
	mark = util_log_mark();
	power_close(&nv.gpu.vfio, &g);
	guest_end(&g);
	OK(util_log_has(mark, words), "the log does not say that it failed");
	EQ(lpid_of(nv.gpu.bdf), lpid, "LPID of the GPU, closed");
	return lpid;
}

/* Nobody opens such a GPU, with a guest or without, and the log says why. */
static void guest_keeps_others_out(unsigned int lpid, struct power_guest *g, const char *what)
{
	const char *const words[] = {nv.gpu.bdf, "unmap LPID", "-5", NULL};
	int mark = util_log_mark();

	EQ(power_open(&nv.gpu.vfio, nv.gpu.bdf, 2, g), EBUSY, "%s: errno", what);
	power_close(&nv.gpu.vfio, g);
	OK(util_log_has(mark, words), "%s: the log does not say why", what);
	EQ(lpid_of(nv.gpu.bdf), lpid, "%s: LPID of the GPU", what);
}

/* A guest that could not be taken from a GPU keeps it, and its number, until it can be. */
static void guest_not_given_back(void)
{
	struct power_guest second;
	unsigned int lpid;

	nvlink_make(&nv, 0, &one_link);
	nvlink_make(&other, 1, &next_link);
	nvlink_bind(&nv);
	nvlink_bind(&other);
	lpid = guest_stays();
	guest_keeps_others_out(lpid, NULL, "open without a guest");
	guest_make(&second);
	guest_keeps_others_out(lpid, &second, "open with the next");
	EQ(power_open(&other.gpu.vfio, other.gpu.bdf, 2, &second), 0, "another GPU");
	OK(lpid_of(other.gpu.bdf) != lpid, "next guest has the first one's LPID %u", lpid);
	nvlink_platform_set("refuse", "none");
	power_close(&other.gpu.vfio, &second);
	EQ(power_open(&nv.gpu.vfio, nv.gpu.bdf, 2, &second), 0, "open, when that worked: errno");
	OK(lpid_of(nv.gpu.bdf), "no LPID");
	power_close(&nv.gpu.vfio, &second);
	guest_end(&second);
	nothing_out_of_turn();
}

/* Nor does it when the device is unbound, which is the last that anybody can try. */
static void guest_not_given_back_at_close(void)
{
	nvlink_make(&nv, 0, &one_link);
	nvlink_bind(&nv);
	guest_stays();
	nvlink_platform_set("refuse", "none");
	EQ(pci_unbind(nv.gpu.bdf), 0, "unbind");
	EQ(lpid_of(nv.gpu.bdf), 0, "LPID of the GPU, unbound");
	nothing_out_of_turn();
}

/* And when even that fails: the driver remembers, until the GPU is opened again. */
static void guest_not_given_back_at_unbind(void)
{
	unsigned int lpid;

	nvlink_make(&nv, 0, &one_link);
	nvlink_bind(&nv);
	lpid = guest_stays();
	EQ(pci_unbind(nv.gpu.bdf), 0, "unbind");
	EQ(pci_unbind(nv.bridge[0].bdf), 0, "unbind of the bridge");
	EQ(lpid_of(nv.gpu.bdf), lpid, "LPID of the GPU, unbound");
	EQ(pci_module_remove(NVLINK_DRIVER), EWOULDBLOCK, "removing the driver");
	nvlink_bind(&nv);
	guest_keeps_others_out(lpid, NULL, "open, bound anew");
	/* Once more, for what was taken up is put down again. */
	EQ(pci_unbind(nv.gpu.bdf), 0, "unbind");
	nvlink_platform_set("refuse", "none");
	pci_bind(nv.gpu.bdf, NVLINK_DRIVER);
	EQ(lpid_of(nv.gpu.bdf), lpid, "LPID of the GPU, not opened yet");
	EQ(power_open(&nv.gpu.vfio, nv.gpu.bdf, 2, NULL), 0, "open, when that worked: errno");
	EQ(lpid_of(nv.gpu.bdf), 0, "LPID of the GPU, open without a guest");
	power_close(&nv.gpu.vfio, NULL);
	nothing_out_of_turn();
	EQ(pci_unbind(nv.gpu.bdf), 0, "unbind");
	EQ(pci_unbind(nv.bridge[0].bdf), 0, "unbind of the bridge");
	EQ(pci_module_remove(NVLINK_DRIVER), 0, "removing the driver");
	EQ(pci_module_insert(NVLINK_DRIVER), 0, "loading it again");
}

/* A GPU that may still translate has its guest: it is reset first. */
static void guest_goes_after_the_reset(void)
{
	struct power_guest g;
	uint16_t command;

	guest_and_gpu(&g);
	EQ(power_open(&nv.gpu.vfio, nv.gpu.bdf, 2, &g), 0, "open with a guest");
	command = vfio_cfg16(&nv.gpu.vfio, PCI_COMMAND);
	vfio_cfg_set16(&nv.gpu.vfio, PCI_COMMAND, command | PCI_COMMAND_MASTER);
	power_close(&nv.gpu.vfio, &g);
	guest_end(&g);
	EQ(util_lines(CALLS, "early 0\n"), 1, "unmaps of a GPU that was not reset yet");
	nothing_out_of_turn();
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(no_guest_no_call),
		KTAP_CASE(guest_mapped_while_open),
		KTAP_CASE(guest_tracepoints),
		KTAP_CASE(no_provider),
		KTAP_CASE(P6_guest_goes_first),
		KTAP_CASE(P8_guest_refused),
		KTAP_CASE(guest_not_given_back),
		KTAP_CASE(guest_not_given_back_at_close),
		KTAP_CASE(guest_not_given_back_at_unbind),
		KTAP_CASE(guest_goes_after_the_reset),
	};

	nvlink_suite();
	return ktap_main("nvlink2_lpar_power", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
