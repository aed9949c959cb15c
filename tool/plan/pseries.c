// SPDX-License-Identifier: GPL-2.0-only
/*
 * V100s on POWER9. Each has a host bridge to itself, with its NVLink bridges beside it on the same
 * bus: by that QEMU knows which belong together. It places the memory by itself, outside of all
 * BARs, and tells the guest of it in the device tree, with a NUMA node each.
 */
#include <inttypes.h>

#include "plan/plan.h"

/* Functions on a bus, the GPU first. */
static const char *function_of(const struct gpu *gpu, int slot)
{
	return slot ? gpu->bridge[slot - 1] : gpu->address;
}

void plan_pseries_qemu(FILE *f, const struct plan *plan)
{
	fprintf(f, "qemu-system-ppc64 \\\n  -machine pseries,accel=kvm \\\n  -cpu host -smp %u",
		plan->cpus);
	fprintf(f, " -m %" PRIu64 "M", plan->ram >> 20);
	for (size_t i = 0; i < plan->count; i++) {
		const struct gpu *gpu = plan->gpu[i].gpu;

		fprintf(f, " \\\n  -device spapr-pci-host-bridge,index=%zu,id=phb%zu", i + 1,
			i + 1);
		for (int slot = 0; slot <= gpu->bridges; slot++)
			fprintf(f, " \\\n  -device vfio-pci,host=%s,bus=phb%zu.0,addr=%x",
				function_of(gpu, slot), i + 1, slot + 1);
	}
	fputc('\n', f);
}

static void libvirt_function(FILE *f, const char *address, size_t bus, int slot)
{
	int d = 0, b = 0, s = 0, function = 0;

	gpu_parse_address(address, &d, &b, &s, &function);
	fprintf(f, "    <hostdev mode='subsystem' type='pci' managed='no'>\n"
		   "      <driver name='vfio'/>\n");
	fprintf(f,
		"      <source>\n        <address domain='0x%04x' bus='0x%02x' slot='0x%02x' "
		"function='0x%x'/>\n      </source>\n",
		d, b, s, function);
	fprintf(f,
		"      <address type='pci' domain='0x0000' bus='0x%02zx' slot='0x%02x' "
		"function='0x0'/>\n    </hostdev>\n",
		bus, slot);
}

void plan_pseries_libvirt(FILE *f, const struct plan *plan)
{
	fprintf(f, "<domain type='kvm'>\n  <name>guest</name>\n");
	fprintf(f, "  <memory unit='KiB'>%" PRIu64 "</memory>\n", plan->ram >> 10);
	fprintf(f, "  <vcpu>%u</vcpu>\n", plan->cpus);
	fprintf(f, "  <os>\n    <type arch='ppc64le' machine='pseries'>hvm</type>\n  </os>\n"
		   "  <devices>\n    <controller type='pci' index='0' model='pci-root'/>\n");
	for (size_t i = 1; i <= plan->count; i++)
		fprintf(f,
			"    <controller type='pci' index='%zu' model='pci-root'>\n"
			"      <target index='%zu'/>\n    </controller>\n",
			i, i);
	for (size_t i = 0; i < plan->count; i++)
		for (int slot = 0; slot <= plan->gpu[i].gpu->bridges; slot++)
			libvirt_function(f, function_of(plan->gpu[i].gpu, slot), i + 1, slot + 1);
	fprintf(f, "  </devices>\n</domain>\n");
}
