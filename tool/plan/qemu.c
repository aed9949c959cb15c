// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <string.h>

#include "core/emulator.h"
#include "plan/plan.h"

static void qemu_host(FILE *f, const struct plan *plan, unsigned int host)
{
	fprintf(f, " \\\n  -device pxb-pcie,id=pcie.%u,bus_nr=%u,bus=pcie.0", host,
		(plan_before(plan, host) + 1) * PLAN_BUSES);
	fprintf(f,
		" \\\n  -device arm-smmuv3,id=smmu%u,primary-bus=pcie.%u,accel=on,ats=on,"
		"ril=off,ssidsize=20,oas=%d",
		host, host, PLAN_OAS);
}

/* Without a vSMMU it needs no host bridge of its own, in whose room it would have to fit. */
static void qemu_port(FILE *f, const struct plan *plan, size_t i)
{
	const struct plan_gpu *one = &plan->gpu[i];
	size_t number = i + 1;

	fprintf(f, " \\\n  -device pcie-root-port,id=port%zu,", number);
	if (plan->without.vsmmu) {
		fprintf(f, "bus=pcie.0,chassis=%zu,io-reserve=0", number);
		return;
	}
	/* A guest that lays out its buses anew takes more than firmware does, unless told. */
	fprintf(f, "bus=pcie.%u,chassis=%zu,io-reserve=0,pref64-reserve=%" PRIu64 "M", one->host,
		number, one->port >> 20);
}

static void qemu_gpu(FILE *f, const struct plan *plan, size_t i)
{
	const struct plan_gpu *one = &plan->gpu[i];
	size_t number = i + 1;

	if (!one->place && !plan->without.vsmmu)
		qemu_host(f, plan, one->host);
	qemu_port(f, plan, i);
	fprintf(f, " \\\n  -device vfio-pci-nohotplug,id=gpu%zu,host=%s,bus=port%zu,rombar=0%s",
		number, one->gpu->address, number,
		plan->without.iommufd ? "" : ",iommufd=iommufd0");
	for (unsigned int n = 0; n < PLAN_NODES && !plan->without.initiators; n++)
		fprintf(f,
			" \\\n  -object acpi-generic-initiator,id=gi%zu-%u,pci-dev=gpu%zu,node=%u",
			number, n, number, one->first_node + n);
}

void plan_qemu(FILE *f, const struct plan *plan)
{
	const struct plan_without *without = &plan->without;
	const char *emulator = emulator_virt(NULL);
	bool installed;

	/* By its name, where a shell finds it so. */
	if (!strncmp(emulator, "/usr/bin/", 9))
		emulator += 9;
	fprintf(f, "%s \\\n  -machine virt,accel=kvm,gic-version=3,ras=on", emulator);
	if (plan->window > PLAN_MIN_WINDOW && !without->window)
		fprintf(f, ",highmem-mmio-size=%" PRIu64 "G", plan->window >> 30);
	/* Without ACPI, which firmware hands over, there are no generic initiators, and no vSMMU. */
	fprintf(f, " \\\n  -bios %s", emulator_firmware(&installed));
	fprintf(f, " \\\n  -cpu host -smp %u -m %" PRIu64 "M", plan->cpus, plan->ram >> 20);
	fprintf(f, " \\\n  -object memory-backend-ram,id=ram0,size=%" PRIu64 "M", plan->ram >> 20);
	fprintf(f, " \\\n  -numa node,nodeid=0,memdev=ram0,cpus=0-%u", plan->cpus - 1);
	for (size_t n = 1; n <= plan->count * PLAN_NODES && !without->initiators; n++)
		fprintf(f, " \\\n  -numa node,nodeid=%zu", n);
	if (!without->iommufd)
		fprintf(f, " \\\n  -object iommufd,id=iommufd0");
	for (size_t i = 0; i < plan->count; i++)
		qemu_gpu(f, plan, i);
	fputc('\n', f);
}
