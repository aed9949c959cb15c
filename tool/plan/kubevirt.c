// SPDX-License-Identifier: GPL-2.0-only
/*
 * KubeVirt is told which kinds of device a node may hand out, and a VM asks for a number of a kind.
 * Everything else of a Grace GPU's guest it makes up by itself, from version 1.9 on and behind
 * feature gates; before, not at all.
 */
#include <inttypes.h>
#include <string.h>

#include "plan/plan.h"

static void resource(FILE *f, const struct gpu_model *model)
{
	fputs("nvidia.com/", f);
	for (const char *c = model->name; *c; c++)
		fputc(*c == ' ' ? '_' : *c, f);
}

/* The first GPU of its kind speaks for it. */
static bool is_first(const struct plan *plan, size_t i)
{
	for (size_t before = 0; before < i; before++)
		if (plan->gpu[before].gpu->model == plan->gpu[i].gpu->model)
			return false;
	return true;
}

static void kubevirt_cluster(FILE *f, const struct plan *plan)
{
	fputs("apiVersion: kubevirt.io/v1\nkind: KubeVirt\nmetadata:\n  name: kubevirt\n"
	      "  namespace: kubevirt\nspec:\n  configuration:\n    developerConfiguration:\n"
	      "      featureGates:\n      - HostDevices\n      - GraceIOVirtualization\n"
	      "      - IOMMUFD\n      - PCINUMAAwareTopology\n    permittedHostDevices:\n"
	      "      pciHostDevices:\n",
	      f);
	for (size_t i = 0; i < plan->count; i++) {
		const struct gpu_model *model = plan->gpu[i].gpu->model;

		if (!is_first(plan, i))
			continue;
		fprintf(f, "      - pciVendorSelector: \"%04X:%04X\"\n        resourceName: ",
			model->vendor, model->device);
		resource(f, model);
		fputs("\n        externalResourceProvider: true\n", f);
	}
}

static void kubevirt_vm(FILE *f, const struct plan *plan)
{
	fputs("apiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata:\n  name: guest\nspec:\n"
	      "  runStrategy: Halted\n  template:\n    spec:\n      architecture: arm64\n"
	      "      domain:\n        machine:\n          type: virt\n        cpu:\n",
	      f);
	fprintf(f,
		"          cores: %u\n          dedicatedCpuPlacement: true\n        memory:\n"
		"          guest: %" PRIu64 "Mi\n        devices:\n          hostDevices:\n",
		plan->cpus, plan->ram >> 20);
	for (size_t i = 0; i < plan->count; i++) {
		fprintf(f, "          - name: gpu%zu\n            deviceName: ", i + 1);
		resource(f, plan->gpu[i].gpu->model);
		fputc('\n', f);
	}
}

void plan_kubevirt(FILE *f, const struct plan *plan)
{
	fputs("# What KubeVirt cannot be told:\n"
	      "# - which of a node's GPUs: it hands out any of the kind. These are to be bound\n",
	      f);
	fputs("#   on the node first: cohgpu bind", f);
	for (size_t i = 0; i < plan->count; i++)
		fprintf(f, " %s", plan->gpu[i].gpu->address);
	fprintf(f,
		" --persist\n"
		"# - how to hand out a GPU of another driver than vfio-pci, which shows no "
		"memory:\n"
		"#   NVIDIA's kubevirt-gpu-device-plugin does. It names the resource after its "
		"own\n"
		"#   list of devices: put what kubectl describe node says below, in both places\n"
		"# - the MMIO window (%" PRIu64
		" GiB here), the vSMMUs, the generic initiators and\n"
		"#   their NUMA nodes: 1.9 and later infer them, behind the gates below (alpha);\n"
		"#   before 1.9 the guest has none of them, and CUDA does not start\n"
		"# - a host bridge for each GPU, where it places several on one\n"
		"# - RAS in the machine: a failed page of GPU memory is not told to the guest\n",
		plan->window >> 30);
	kubevirt_cluster(f, plan);
	fputs("---\n", f);
	kubevirt_vm(f, plan);
}
