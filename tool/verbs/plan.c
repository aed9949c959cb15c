// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
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

static void plan_text(const char *format, const struct plan *plan)
{
	bool power = plan->family == GPU_NVLINK2;
	char a[32], b[32];

	if (!strcmp(format, "kubevirt"))
		plan_kubevirt(stdout, plan);
	else if (!strcmp(format, "libvirt"))
		(power ? plan_pseries_libvirt : plan_libvirt)(stdout, plan);
	else
		(power ? plan_pseries_qemu : plan_qemu)(stdout, plan);
	if (!power)
		fprintf(stderr, "note: MMIO window %s for BARs of %s, %u bits of guest addresses\n",
			out_size(a, plan->window), out_size(b, plan->needed - PLAN_REST),
			plan->bits);
}

static int plan_print(const struct call *call, struct json_object *object, struct plan *plan)
{
	const char *format = call_has(call, OPT_FORMAT) ? call->option[OPT_FORMAT] : "qemu";
	bool json = call_has(call, OPT_JSON);
	unsigned int lacks;

	if (!strcmp(format, "kubevirt") && plan->family == GPU_NVLINK2) {
		complain(plan->gpu[0].gpu->address, "plan", "KubeVirt has no POWER machines");
		return EXIT_FAILED;
	}
	if (call_has(call, OPT_HERE) && (strcmp(format, "libvirt") || json)) {
		complain("--here", "plan", "is of --format libvirt");
		return EXIT_USAGE;
	}
	if (call_has(call, OPT_HERE))
		plan_leave_out(plan);
	plan_describe(object, plan);
	lacks = plan_lacks(object, plan, format, json);
	if (json)
		out_json(object);
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
