// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>

#include "plan/plan.h"

/*
 * Controllers: 0 is the root, then comes each host bridge, which a vSMMU wants for itself, and after
 * it the root ports of its GPUs. Without a vSMMU the port is the root's: the guest lays out anew what
 * is behind it, and a host bridge of its own has just the room that the firmware took, which is less
 * than that.
 */
static unsigned int bridge_of(const struct plan *plan, size_t gpu)
{
	unsigned int host = plan->gpu[gpu].host;

	return host + plan_before(plan, host);
}

static unsigned int port_of(const struct plan *plan, size_t gpu)
{
	return plan->without.vsmmu ? 1 + gpu : bridge_of(plan, gpu) + 1 + plan->gpu[gpu].place;
}

static void libvirt_cells(FILE *f, const struct plan *plan)
{
	fprintf(f, "  <cpu mode='host-passthrough'>\n    <numa>\n");
	fprintf(f, "      <cell id='0' cpus='0-%u' memory='%" PRIu64 "' unit='KiB'/>\n",
		plan->cpus - 1, plan->ram >> 10);
	for (size_t n = 1; n <= plan->count * PLAN_NODES && !plan->without.initiators; n++)
		fprintf(f, "      <cell id='%zu' memory='0' unit='KiB'/>\n", n);
	fprintf(f, "    </numa>\n  </cpu>\n");
}

static void libvirt_port(FILE *f, const struct plan *plan, size_t i)
{
	if (plan->without.vsmmu) {
		fprintf(f, "    <controller type='pci' index='%u' model='pcie-root-port'/>\n",
			port_of(plan, i));
		return;
	}
	fprintf(f, "    <controller type='pci' index='%u' model='pcie-root-port'>\n",
		port_of(plan, i));
	fprintf(f,
		"      <address type='pci' domain='0x0000' bus='0x%02x' slot='0x%02x' "
		"function='0x0'/>\n    </controller>\n",
		bridge_of(plan, i), plan->gpu[i].place);
}

static void libvirt_bridge(FILE *f, const struct plan *plan, size_t i)
{
	fprintf(f, "    <controller type='pci' index='%u' model='pcie-expander-bus'>\n",
		bridge_of(plan, i));
	fprintf(f, "      <target busNr='%u'/>\n    </controller>\n",
		(plan_before(plan, plan->gpu[i].host) + 1) * PLAN_BUSES);
}

static void libvirt_vsmmu(FILE *f, const struct plan *plan, size_t i)
{
	fprintf(f,
		"    <iommu model='smmuv3'>\n      <driver pciBus='%u' accel='on' ats='on' "
		"ril='off' ssidsize='20' oas='%d'/>\n    </iommu>\n",
		bridge_of(plan, i), PLAN_OAS);
}

static void libvirt_gpu(FILE *f, const struct plan *plan, size_t i)
{
	const struct plan_gpu *one = &plan->gpu[i];
	int domain = 0, bus = 0, slot = 0, function = 0;

	gpu_parse_address(one->gpu->address, &domain, &bus, &slot, &function);
	fprintf(f,
		"    <hostdev mode='subsystem' type='pci' managed='no'>\n"
		"      <driver name='vfio'%s/>\n",
		plan->without.iommufd ? "" : " iommufd='yes'");
	fprintf(f,
		"      <source>\n        <address domain='0x%04x' bus='0x%02x' slot='0x%02x' "
		"function='0x%x'/>\n      </source>\n",
		domain, bus, slot, function);
	if (!plan->without.initiators)
		fprintf(f, "      <acpi nodeset='%u-%u'/>\n", one->first_node,
			one->first_node + PLAN_NODES - 1);
	fprintf(f, "      <rom bar='off'/>\n");
	fprintf(f,
		"      <address type='pci' domain='0x0000' bus='0x%02x' slot='0x00' "
		"function='0x0'/>\n    </hostdev>\n",
		port_of(plan, i));
	if (!plan->without.vsmmu && !one->place)
		libvirt_vsmmu(f, plan, i);
}

/*
 * A guest that lays out its buses anew needs more room behind a host bridge of its own than firmware
 * takes, unless the port tells that. libvirt has no word for it, but lets QEMU's be set.
 */
static void libvirt_reserve(FILE *f, const struct plan *plan)
{
	fprintf(f, "  <qemu:override>\n");
	for (size_t i = 0; i < plan->count; i++) {
		fprintf(f, "    <qemu:device alias='pci.%u'>\n      <qemu:frontend>\n",
			port_of(plan, i));
		fprintf(f,
			"        <qemu:property name='pref64-reserve' type='unsigned' "
			"value='%" PRIu64 "'/>\n",
			plan->gpu[i].port);
		fprintf(f, "      </qemu:frontend>\n    </qemu:device>\n");
	}
	fprintf(f, "  </qemu:override>\n");
}

/* QEMU's own window is not worth a word, which older ones do not take. */
static void libvirt_root(FILE *f, const struct plan *plan)
{
	fprintf(f, "    <controller type='pci' index='0' model='pcie-root'");
	if (plan->window > PLAN_MIN_WINDOW && !plan->without.window)
		fprintf(f,
			">\n      <pcihole64 unit='KiB'>%" PRIu64
			"</pcihole64>\n    </controller>\n",
			plan->window >> 10);
	else
		fprintf(f, "/>\n");
}

void plan_libvirt(FILE *f, const struct plan *plan)
{
	bool bridged = !plan->without.vsmmu;

	fprintf(f, "<domain type='kvm'%s>\n  <name>guest</name>\n",
		bridged ? " xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'" : "");
	fprintf(f, "  <memory unit='KiB'>%" PRIu64 "</memory>\n", plan->ram >> 10);
	fprintf(f, "  <vcpu>%u</vcpu>\n", plan->cpus);
	fprintf(f, "  <os firmware='efi'>\n    <type arch='aarch64' machine='virt'>hvm</type>\n"
		   "  </os>\n");
	fprintf(f, "  <features>\n    <acpi/>\n    <gic version='3'/>\n%s  </features>\n",
		plan->without.ras ? "" : "    <ras state='on'/>\n");
	libvirt_cells(f, plan);
	fprintf(f, "  <devices>\n");
	libvirt_root(f, plan);
	for (size_t i = 0; i < plan->count; i++) {
		if (bridged && !plan->gpu[i].place)
			libvirt_bridge(f, plan, i);
		libvirt_port(f, plan, i);
	}
	for (size_t i = 0; i < plan->count; i++)
		libvirt_gpu(f, plan, i);
	fprintf(f, "  </devices>\n");
	if (bridged)
		libvirt_reserve(f, plan);
	fprintf(f, "</domain>\n");
}
