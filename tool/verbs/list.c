// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>

#include "core/error.h"
#include "core/gpu.h"
#include "core/out.h"
#include "verbs/verbs.h"

static const struct out_column list_columns[] = {
	{"GPU", "address", false, false},
	{"NAME", "name", false, false},
	{"DRIVER", "driver", false, false},
	{"BEST", "best_driver", false, false},
	{"GROUP", "iommu_group", false, true},
	{"IOMMU", "iommu", false, false},
	{"NODE", "numa_node", false, true},
	{"MEMORY", "memory.total", true, true},
	{"USEMEM", "memory.usemem", true, true},
	{"BAR4", "memory.usemem_bar", true, true},
	{"RESMEM", "memory.resmem", true, true},
	{"BAR2", "memory.resmem_bar", true, true},
	{"READY", "memory.ready", false, false},
	{"STATUS", "status", false, false},
	/* Only where a GPU has some. */
	{"BRIDGES", "bridges", false, false},
};

int run_list(const struct call *call)
{
	struct json_object *object = out_new(call), *gpus = out_array(object, "gpus");
	size_t columns = sizeof(list_columns) / sizeof(*list_columns) - 1;
	struct gpu_set set;
	int status;

	if (call_has(call, OPT_ADDRESSES) && call_has(call, OPT_JSON)) {
		complain("--addresses", "parse", "is a form of text: not with --json");
		json_object_put(object);
		return EXIT_USAGE;
	}
	gpu_scan(&set);
	for (size_t i = 0; i < set.count; i++) {
		json_object_array_add(gpus, gpu_describe(&set.gpu[i]));
		if (set.gpu[i].bridges)
			columns = sizeof(list_columns) / sizeof(*list_columns);
		if (call_has(call, OPT_ADDRESSES))
			puts(set.gpu[i].address);
	}
	if (call_has(call, OPT_JSON))
		out_json(object, EXIT_OK);
	else if (set.count && !call_has(call, OPT_ADDRESSES))
		out_table(gpus, list_columns, columns);
	status = gpu_select(&set, NULL, 0);
	gpu_free(&set);
	json_object_put(object);
	return status;
}
