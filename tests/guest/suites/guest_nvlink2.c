// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pseries guest that owns a V100, by KVM-HV and QEMU 7.2, of the last line whose VFIO has a client for
 * NVLink2. It must find the driver's regions, read from their capabilities what our own reader reads
 * there, and map them.
 *
 * What it read it then frees, and reads again when it makes the guest's device tree: of the GPU's
 * target there is 0 left, so there is no GPU memory. One guest shows that; another has the same QEMU
 * with preload/keep.so, which keeps what is freed, and has the memory.
 */
#include <endian.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"
#include "nvlink.h"

#define KEEP   "/tests/bin/keep.so"
#define UNSAFE "/sys/module/" NVLINK_DRIVER "/parameters/allow_unsafe_dma"
/* What the guest leaves in each bridge's ATSD register, and one more for the next. */
#define ATSD 0xa75d0000

static struct nvlink nv;
static struct nvlink_region ram, atsd;

static bool answer(const char *question, char *text, size_t size)
{
	const struct {
		const char *question;
		uint64_t value;
	} numbers[] = {
		{"device", pci_attr_number(nv.gpu.bdf, "device")},
		{"size", nv.gpu.mem_size},
		{"tgt", ram.tgt},
		{"speed", atsd.speed},
		{"atsd", ATSD},
	};

	if (!strcmp(question, "train")) {
		sim_train(nv.gpu.name);
		snprintf(text, size, "ok");
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (!strcmp(question, numbers[i].question)) {
			snprintf(text, size, "0x%" PRIx64, numbers[i].value);
			return true;
		}
	return false;
}

static void v100_life(const char *name, const char *role, const char *preload)
{
	static const char *const events[] = {"vfio_pci_nv*", NULL};
	struct guest g = {.name = name,
			  .suite = "nvlink2",
			  .gpus = 1,
			  .gpu = {&nv.gpu},
			  .roles = {role},
			  .answer = answer,
			  .trace = events,
			  .preload = preload,
			  .mem_mib = 1024,
			  .limit = 300};

	for (int i = 0; i < NVLINK_LINKS; i++)
		g.also[i] = nv.bridge[i].bdf;
	/*
	 * QEMU maps the memory where its address has less alignment than the kernel's IOMMU code will
	 * take it to have. It ends if the memory is no target of DMA, so the driver has to be told.
	 */
	EQ(util_write(UNSAFE, "Y"), 0, UNSAFE ": errno");
	guest_run(&g);
}

static void v100_guest(void)
{
	nvlink_make(&nv, 0, &(struct nvlink_want){.preset = "v100-16"});
	nvlink_bind(&nv);
	v100_life("v100", "bare", NULL);
}

static void v100_functions(void)
{
	guest_said_ok("v100", "functions");
}

/* QEMU tells what it read by its trace points, when it has mapped the region. */
static void client_saw(const char *event, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void client_saw(const char *event, const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int n = snprintf(line, sizeof(line), "vfio_pci_%s ", event);

	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	OK(guest_traced("v100", line), "QEMU did not note '%s'", line);
}

static void v100_regions(void)
{
	const struct nvlink_want want = {.preset = "v100-16"};
	struct nvlink_region r;

	nvlink_open(&nv, &want);
	r = nvlink_ram(&nv.gpu.vfio);
	client_saw("nvidia_gpu_setup_quirk", "%s tgt=0x%" PRIx64 " size=0x%" PRIx64, nv.gpu.bdf,
		   r.tgt, r.size);
	for (int i = 0; i < NVLINK_LINKS; i++) {
		r = nvlink_atsd(&nv.bridge[i]);
		client_saw("nvlink2_setup_quirk_ssatgt", "%s tgt=0x%" PRIx64 " size=0x%" PRIx64,
			   nv.bridge[i].bdf, r.tgt, r.size);
		client_saw("nvlink2_setup_quirk_lnkspd", "%s link_speed=0x%x", nv.bridge[i].bdf,
			   r.speed);
	}
	nvlink_close(&nv);
}

static void v100_no_tree(void)
{
	guest_said_ok("v100", "no_tree");
}

/* ATSD registers keep what is written to them. */
static void registers_are_written(void)
{
	uint64_t seen = 0;

	nvlink_open_bound(&nv);
	for (int i = 0; i < NVLINK_LINKS; i++) {
		struct nvlink_region r = nvlink_atsd(&nv.bridge[i]);
		uint64_t value;

		EQ(pread(nv.bridge[i].fd, &value, sizeof(value), (off_t)r.offset), sizeof(value),
		   "%s: ATSD", nv.bridge[i].bdf);
		for (int k = 0; k < NVLINK_LINKS; k++)
			seen |= be64toh(value) == (uint64_t)(ATSD + k) ? 1u << k : 0;
	}
	nvlink_close(&nv);
	EQ(seen, (1u << NVLINK_LINKS) - 1, "registers that have what the guest wrote");
}

static void whole_guest(void)
{
	nvlink_open(&nv, &(struct nvlink_want){.preset = "v100-16"});
	ram = nvlink_ram(&nv.gpu.vfio);
	atsd = nvlink_atsd(&nv.bridge[0]);
	nvlink_close(&nv);
	v100_life("whole", "whole", KEEP);
	registers_are_written();
}

static void whole_tree(void)
{
	guest_said_ok("whole", "tree");
}

static void whole_memory(void)
{
	guest_said_ok("whole", "memory");
}

static void whole_atsd(void)
{
	guest_said_ok("whole", "atsd");
}

static void cleanup(void)
{
	util_write(UNSAFE, "N");
	gpu_cleanup();
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE_SLOW(v100_guest, 320),  KTAP_CASE(v100_functions),
		KTAP_CASE(v100_regions),	  KTAP_CASE(v100_no_tree),
		KTAP_CASE_SLOW(whole_guest, 320), KTAP_CASE(whole_tree),
		KTAP_CASE(whole_memory),	  KTAP_CASE(whole_atsd),
	};

	nvlink_suite();
	return ktap_main("guest_nvlink2", cases, ARRAY_LEN(cases), cleanup, argc, argv);
}
