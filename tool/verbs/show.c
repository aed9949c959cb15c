// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/gpu.h"
#include "core/out.h"
#include "core/text.h"
#include "verbs/draw.h"
#include "verbs/verbs.h"

struct show_line {
	const char *label;
	const char *path;
};

static const struct show_line show_lines[] = {
	{"id", "id"},
	{"driver", "driver"},
	{"best driver", "best_driver"},
	{"IOMMU group", "iommu_group"},
	{"IOMMU", "iommu"},
	{"IOMMU domain", "iommu_type"},
	{"NUMA node", "numa_node"},
	{"power state", "power_state"},
	{"memory", "memory.state"},
	{"ready", "memory.ready"},
	{"resets", "memory.resets"},
};

static void show_list(struct json_object *gpu, const char *label, const char *key)
{
	struct json_object *array = out_get(gpu, key);

	if (!json_object_array_length(array))
		return;
	printf("  %-14s", label);
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		putchar(' ');
		print_plain(stdout, json_object_get_string(json_object_array_get_idx(array, i)));
	}
	putchar('\n');
}

static void show_text(struct json_object *gpu)
{
	const char *status = out_get_text(gpu, "status", ""),
		   *trouble = out_get_text(gpu, "trouble", NULL);

	printf("%s%s%s  ", out_colour(OUT_BOLD), out_get_text(gpu, "address", ""),
	       out_colour(OUT_PLAIN));
	print_plain(stdout, out_get_text(gpu, "name", ""));
	putchar('\n');
	for (size_t i = 0; i < sizeof(show_lines) / sizeof(*show_lines); i++) {
		printf("  %-14s ", show_lines[i].label);
		print_plain(stdout, out_get_text(gpu, show_lines[i].path, "-"));
		putchar('\n');
	}
	show_list(gpu, "group has also", "group_others");
	show_list(gpu, "bridges", "bridges");
	printf("  %-14s %s%s%s%s", "for a guest", out_status_colour(status), status,
	       out_colour(OUT_PLAIN), trouble ? ": " : "");
	print_plain(stdout, trouble ? trouble : "");
	puts("\n");
	draw_terminal(gpu);
}

static int show_svg(struct json_object *gpu, const char *name)
{
	FILE *file = fopen(name, "w");
	int failed;

	if (!file) {
		complain(name, "write", "%s", strerror(errno));
		return EXIT_FAILED;
	}
	draw_svg(file, gpu);
	failed = ferror(file);
	failed |= fclose(file);
	if (failed)
		complain(name, "write", "failed");
	return failed ? EXIT_FAILED : EXIT_OK;
}

int run_show(const struct call *call)
{
	struct json_object *object = out_new(call), *gpu;
	struct gpu_set set;
	int status;

	gpu_scan(&set);
	status = gpu_select(&set, call->words, call->count);
	if (!status && set.count > 1) {
		complain(call->words[0], "show", "one GPU at a time");
		status = EXIT_USAGE;
	}
	if (!status) {
		gpu = gpu_describe(&set.gpu[0]);
		out_object(object, "gpu", gpu);
		if (call_has(call, OPT_SVG))
			status = show_svg(gpu, call->option[OPT_SVG]);
		if (call_has(call, OPT_JSON))
			out_json(object, status);
		else if (!call_has(call, OPT_SVG))
			show_text(gpu);
	}
	gpu_free(&set);
	json_object_put(object);
	return status;
}
