// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/emulator.h"
#include "core/error.h"
#include "core/libvirt.h"
#include "core/out.h"
#include "plan/plan.h"
#include "verbs/verbs.h"

#define DEFAULT_CPUS "4"
#define CPUS_MAX     512

static void plan_describe(struct json_object *object, const struct plan *plan)
{
	bool power = plan->family == GPU_NVLINK2;
	struct json_object *gpus, *one, *bars, *bar, *bridges;

	out_text(object, "machine", power ? "pseries" : "virt");
	gpus = out_array(object, "gpus");

	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_gpu *p = &plan->gpu[i];

		one = json_object_new_object();
		out_text(one, "address", p->gpu->address);
		out_number(one, "host_bridge", p->host);
		bars = out_array(one, "bars");
		for (int b = 0; b < GPU_BARS; b++) {
			if (!p->bar[b])
				continue;
			bar = json_object_new_object();
			out_number(bar, "index", b);
			out_number(bar, "size", p->bar[b]);
			json_object_array_add(bars, bar);
		}
		out_number(one, "port_window", p->port);
		out_number(one, "first_node", p->first_node);
		out_number(one, "nodes", power ? 0 : PLAN_NODES);
		bridges = out_array(one, "bridges");
		for (int b = 0; b < p->gpu->bridges; b++)
			json_object_array_add(bridges, out_string(p->gpu->bridge[b]));
		json_object_array_add(gpus, one);
	}
	out_number(object, "ram", plan->ram);
	out_number(object, "cpus", plan->cpus);
	out_number(object, "mmio_needed", plan->needed);
	out_number(object, "mmio_window", plan->window);
	out_number(object, "address_bits", plan->bits);
}

/* The rest of a VM, which the GPUs do not care for. */
static void plan_rest(const struct plan *plan, enum plan_format format)
{
	static const char *const rest[] = {
		[PLAN_QEMU] = "disk, network and console of the guest",
		[PLAN_LIBVIRT] = "disk, network and console of the guest",
		[PLAN_KUBEVIRT] = "the guest's disks and volumes",
	};

	fprintf(stderr, "note: to be added: %s", rest[format]);
	if (format == PLAN_QEMU && plan->family == GPU_GRACE)
		fprintf(stderr, ". UEFI keeps its settings in pflash only, not by -bios");
	fputc('\n', stderr);
}

static void plan_text(enum plan_format format, const struct plan *plan)
{
	bool power = plan->family == GPU_NVLINK2;
	char a[32], b[32];

	if (format == PLAN_KUBEVIRT)
		plan_kubevirt(stdout, plan);
	else if (format == PLAN_LIBVIRT)
		(power ? plan_pseries_libvirt : plan_libvirt)(stdout, plan);
	else
		(power ? plan_pseries_qemu : plan_qemu)(stdout, plan);
	if (!power)
		fprintf(stderr, "note: MMIO window %s for BARs of %s, %u bits of guest addresses\n",
			out_size(a, plan->window), out_size(b, plan->needed - PLAN_REST),
			plan->bits);
	plan_rest(plan, format);
}

static enum plan_format format_of(const struct call *call)
{
	const char *name = call_has(call, OPT_FORMAT) ? call->option[OPT_FORMAT] : "qemu";

	return !strcmp(name, "kubevirt")  ? PLAN_KUBEVIRT
	       : !strcmp(name, "libvirt") ? PLAN_LIBVIRT
					  : PLAN_QEMU;
}

static int plan_print(const struct call *call, struct json_object *object, struct plan *plan)
{
	enum plan_format format = format_of(call);
	bool json = call_has(call, OPT_JSON), here = call_has(call, OPT_HERE);
	unsigned int lacks;
	int status;

	if (format == PLAN_KUBEVIRT && plan->family == GPU_NVLINK2) {
		complain(plan->gpu[0].gpu->address, "plan", "KubeVirt has no POWER machines");
		return EXIT_FAILED;
	}
	if (here && (format == PLAN_KUBEVIRT || json)) {
		complain("--here", "plan", "is of --format qemu and libvirt, without --json");
		return EXIT_USAGE;
	}
	status = here ? plan_leave_out(plan, format) : EXIT_OK;
	if (status)
		return status;
	plan_describe(object, plan);
	lacks = plan_lacks(object, plan, format, here, json);
	if (json)
		out_json(object, EXIT_OK);
	else
		plan_text(format, plan);
	return lacks && call_has(call, OPT_STRICT) ? EXIT_WARNINGS : EXIT_OK;
}

/* A size that was given, or the default; 0 having complained. */
static uint64_t size_option(const struct call *call, enum option_id id, const char *otherwise)
{
	const char *text = call_has(call, id) ? call->option[id] : otherwise;
	uint64_t size = plan_size(text);

	if (size < 1ULL << 20) {
		complain(text, "parse", PLAN_SIZES);
		return 0;
	}
	return size;
}

int run_plan(const struct call *call)
{
	struct json_object *object = out_new(call);
	const char *cpus_text = call_has(call, OPT_CPUS) ? call->option[OPT_CPUS] : DEFAULT_CPUS;
	unsigned long cpus = strtoul(cpus_text, NULL, 10);
	uint64_t ram = size_option(call, OPT_RAM, PLAN_RAM), total = 0;
	struct plan plan = {0};
	struct gpu_set set;
	int status;

	if (call_has(call, OPT_MEMORY))
		total = size_option(call, OPT_MEMORY, "");
	gpu_scan(&set);
	status = gpu_select(&set, call->words, call->count);
	if (!ram || (call_has(call, OPT_MEMORY) && !total)) {
		status = EXIT_USAGE;
	} else if (!cpus || cpus > CPUS_MAX) {
		complain(cpus_text, "parse", "no count of CPUs up to %d", CPUS_MAX);
		status = EXIT_USAGE;
	}
	if (!status)
		status = plan_make(&plan, &set, total, ram, cpus);
	if (!status)
		status = plan_print(call, object, &plan);
	plan_free(&plan);
	gpu_free(&set);
	json_object_put(object);
	return status;
}

static void manual_parts(const char *name, const struct program_part *part, size_t count)
{
	for (; count--; part++) {
		printf(".It %s %u.%u", name, part->since / 100, part->since % 100);
		if (part->until)
			printf(", before %u.%u", part->until / 100, part->until % 100);
		printf("\n%s.\nWithout it: %s.\n", part->name, part->without);
	}
}

void manual_plan(void)
{
	puts(".Sh NOTES\nWhat is said on standard error, and with\n.Fl \\-json\nis in the object "
	     "instead.\nAll but the last two count with\n.Fl \\-strict .\n"
	     ".Bl -tag -width Ds\n"
	     ".It QEMU, or libvirt, and its version\n"
	     "The part of the plan that it lacks, the version that has it, and what the\n"
	     "guest has to do without.\n"
	     "Where none is installed, all parts with their versions.\n"
	     ".It such a VM does not start with what is here\n"
	     "One of these parts has to go, which is what\n.Fl \\-here\nis for.\n"
	     ".It no /dev/kvm, no /dev/iommu, no UEFI\n"
	     "This host cannot run the VM, or not with all of it.\n"
	     ".It bits of guest addresses are wanted\n"
	     "KVM has fewer here than RAM and MMIO window take.\n"
	     ".It not bound to VFIO, in no IOMMU group\n"
	     "The GPU cannot be given to a VM as it is.\n"
	     ".It IOMMU group is one VM\\(aqs as a whole\n"
	     "The plan leaves out some of it, which has to go along, or be nobody\\(aqs.\n"
	     ".It behind an SMMU are more GPUs\n"
	     "They are left out, and no second VM can have them: a vSMMU takes the SMMU.\n"
	     ".It NVLink bridges\n"
	     "The kernel does not have all of a V100\\(aqs as PCI functions, or not in "
	     "its\ngroup.\n"
	     ".It MMIO window\nIts size, what the BARs take of it, and the bits of address\nthat "
	     "RAM and it take.\n"
	     ".It to be added\nWhat a VM has besides GPUs, which a plan does not choose.\n"
	     ".El\n.Sh VERSIONS\nThe parts that not every QEMU and libvirt has, since:\n"
	     ".Bl -tag -width Ds");
	manual_parts("QEMU", emulator_parts, PARTS);
	manual_parts("libvirt", libvirt_parts, LIBVIRT_PARTS);
	puts(".El");
}
