// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pseries guest that owns a V100, by KVM-HV and QEMU 7.2, of the last line whose VFIO has a client for
 * NVLink2. It must find the driver's regions, read from their capabilities what our own reader reads
 * there, and map them.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "guest.h"
#include "nvlink.h"

static struct nvlink nv;

static bool answer(const char *question, char *text, size_t size)
{
	if (strcmp(question, "device"))
		return false;
	snprintf(text, size, "0x%" PRIx64, pci_attr_number(nv.gpu.bdf, "device"));
	return true;
}

static void v100_guest(void)
{
	const struct nvlink_want want = {.preset = "v100-16"};
	struct guest g = {.name = "v100",
			  .suite = "nvlink2",
			  .gpus = 1,
			  .gpu = {&nv.gpu},
			  .roles = {"v100"},
			  .answer = answer,
			  .trace = "vfio_pci_nv*",
			  .mem_mib = 1024,
			  .limit = 300};

	nvlink_make(&nv, 0, &want);
	nvlink_bind(&nv);
	for (int i = 0; i < NVLINK_LINKS; i++)
		g.also[i] = nv.bridge[i].bdf;
	guest_run(&g);
}

static void v100_functions(void)
{
	guest_said_ok("v100", "functions");
}

/* QEMU tells what it read by its trace points, when it has mapped the region. */
static void client_saw(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void client_saw(const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	OK(guest_traced("v100", line), "QEMU did not note '%s'", line);
}

static void v100_regions(void)
{
	const struct nvlink_want want = {.preset = "v100-16"};
	struct nvlink_region r;

	nvlink_open(&nv, &want);
	r = nvlink_ram(&nv.gpu.vfio);
	client_saw("gpu_setup_quirk %s tgt=0x%" PRIx64 " size=0x%" PRIx64, nv.gpu.bdf, r.tgt,
		   r.size);
	for (int i = 0; i < NVLINK_LINKS; i++) {
		r = nvlink_atsd(&nv.bridge[i]);
		client_saw("ssatgt %s tgt=0x%" PRIx64 " size=0x%" PRIx64, nv.bridge[i].bdf, r.tgt,
			   r.size);
		client_saw("lnkspd %s link_speed=0x%x", nv.bridge[i].bdf, r.speed);
	}
	nvlink_close(&nv);
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE_SLOW(v100_guest, 320),
		KTAP_CASE(v100_functions),
		KTAP_CASE(v100_regions),
	};

	nvlink_suite();
	return ktap_main("guest_nvlink2", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
