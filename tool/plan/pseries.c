// SPDX-License-Identifier: GPL-2.0-only
/*
 * V100s on POWER9. QEMU's machine has an IOMMU for each host bridge, and VFIO one for each IOMMU
 * group: so a group, which is an NPU's GPUs with all their bridges, gets a host bridge to itself.
 * Spread over two it is refused ("group used in multiple address spaces"), and so are two groups on
 * one ("requires separate vPHB per GPU IOMMU group"). Which bridges are a GPU's QEMU knows by what
 * the driver says of them. It places the memory by itself, outside of all BARs, and tells the guest
 * of it in the device tree, with a NUMA node each.
 */
#include <inttypes.h>

#include "core/error.h"
#include "plan/plan.h"

#define HOSTS_MAX 31 /* beside the machine's own */
#define GPUS_MAX  6  /* on one of them, as QEMU has it */
#define SLOTS_MAX 31

/* A GPU without a group has a host bridge as if it were alone in one. */
static unsigned int host_of(const struct plan *plan, size_t gpu)
{
	for (size_t i = 0; i < gpu; i++)
		if (plan->gpu[gpu].gpu->group >= 0 &&
		    plan->gpu[i].gpu->group == plan->gpu[gpu].gpu->group)
			return plan->gpu[i].host;
	return plan->hosts + 1;
}

int plan_pseries(struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct plan_gpu *one = &plan->gpu[i];
		unsigned int gpus = 0, slots = 0;

		one->host = host_of(plan, i);
		if (one->host > plan->hosts)
			plan->hosts = one->host;
		for (size_t before = 0; before <= i; before++) {
			if (plan->gpu[before].host != one->host)
				continue;
			gpus++;
			slots += 1 + plan->gpu[before].gpu->bridges;
		}
		if (plan->hosts > HOSTS_MAX) {
			complain("GPUs", "plan", "no more than %d IOMMU groups in one VM",
				 HOSTS_MAX);
			return EXIT_USAGE;
		}
		if (gpus > GPUS_MAX || slots > SLOTS_MAX) {
			complain(one->gpu->address, "plan",
				 "QEMU takes no more than %d GPUs of one IOMMU group", GPUS_MAX);
			return EXIT_USAGE;
		}
	}
	return EXIT_OK;
}

/* Calls for each function on a host bridge, with the slots that they get: a GPU, then its bridges. */
static void each_function(FILE *f, const struct plan *plan, unsigned int host,
			  void (*print)(FILE *f, const char *address, unsigned int host, int slot))
{
	int slot = 0;

	for (size_t i = 0; i < plan->count; i++) {
		const struct gpu *gpu = plan->gpu[i].gpu;

		if (plan->gpu[i].host != host)
			continue;
		print(f, gpu->address, host, ++slot);
		for (int b = 0; b < gpu->bridges; b++)
			print(f, gpu->bridge[b], host, ++slot);
	}
}

static void qemu_function(FILE *f, const char *address, unsigned int host, int slot)
{
	fprintf(f, " \\\n  -device vfio-pci,host=%s,bus=phb%u.0,addr=%x", address, host, slot);
}

void plan_pseries_qemu(FILE *f, const struct plan *plan)
{
	fprintf(f, "qemu-system-ppc64 \\\n  -machine pseries,accel=kvm \\\n  -cpu host -smp %u",
		plan->cpus);
	fprintf(f, " -m %" PRIu64 "M", plan->ram >> 20);
	for (unsigned int host = 1; host <= plan->hosts; host++) {
		fprintf(f, " \\\n  -device spapr-pci-host-bridge,index=%u,id=phb%u", host, host);
		each_function(f, plan, host, qemu_function);
	}
	fputc('\n', f);
}

static void libvirt_function(FILE *f, const char *address, unsigned int host, int slot)
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
		"      <address type='pci' domain='0x0000' bus='0x%02x' slot='0x%02x' "
		"function='0x0'/>\n    </hostdev>\n",
		host, slot);
}

void plan_pseries_libvirt(FILE *f, const struct plan *plan)
{
	fprintf(f, "<domain type='kvm'>\n  <name>guest</name>\n");
	fprintf(f, "  <memory unit='KiB'>%" PRIu64 "</memory>\n", plan->ram >> 10);
	fprintf(f, "  <vcpu>%u</vcpu>\n", plan->cpus);
	fprintf(f, "  <os>\n    <type arch='ppc64le' machine='pseries'>hvm</type>\n  </os>\n"
		   "  <devices>\n    <controller type='pci' index='0' model='pci-root'/>\n");
	for (unsigned int host = 1; host <= plan->hosts; host++)
		fprintf(f,
			"    <controller type='pci' index='%u' model='pci-root'>\n"
			"      <target index='%u'/>\n    </controller>\n",
			host, host);
	for (unsigned int host = 1; host <= plan->hosts; host++)
		each_function(f, plan, host, libvirt_function);
	fprintf(f, "  </devices>\n</domain>\n");
}
