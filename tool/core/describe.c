// SPDX-License-Identifier: GPL-2.0-only
/* A GPU as JSON; `list`, `show` and `status` are views of it. */
#include <stdio.h>
#include <string.h>

#include "core/gpu.h"
#include "core/out.h"
#include "core/sys.h"
#include "core/text.h"

#define FLAG_IO	      0x100
#define FLAG_PREFETCH 0x2000
#define FLAG_64	      0x100000

static const char *const describe_sources[] = {
	[GPU_MEMORY_UNKNOWN] = "unknown",
	[GPU_MEMORY_DRIVER] = "driver",
	[GPU_MEMORY_FIRMWARE] = "firmware",
};

static struct json_object *describe_memory(const struct gpu *gpu)
{
	const struct gpu_memory *m = &gpu->memory;
	struct json_object *memory = json_object_new_object();

	out_text(memory, "source", describe_sources[m->source]);
	out_text(memory, "state", text_or_null(m->state));
	/* A V100's is not waited for. */
	out_text(memory, "ready", gpu->model->family == GPU_NVLINK2 ? NULL : m->ready);
	if (m->source == GPU_MEMORY_UNKNOWN)
		return memory;
	if (m->source == GPU_MEMORY_FIRMWARE) {
		out_number(memory, "total", m->total);
		out_number(memory, "window", m->window);
		out_number(memory, "base", m->usemem_base);
		return memory;
	}
	out_number(memory, "reset_generation", m->generation);
	out_number(memory, "resets", gpu->memory.resets);
	if (!m->present)
		return memory;
	out_number(memory, "total", m->total);
	out_number(memory, "usemem", m->usemem);
	out_number(memory, "usemem_offset", m->usemem_offset);
	out_number(memory, "usemem_bar", gpu_bar_size(m->usemem));
	if (m->usemem_base)
		out_number(memory, "usemem_base", m->usemem_base);
	if (!m->resmem)
		return memory;
	out_number(memory, "resmem", m->resmem);
	out_number(memory, "resmem_offset", m->resmem_offset);
	out_number(memory, "resmem_bar", gpu_bar_size(m->resmem));
	if (m->resmem_base)
		out_number(memory, "resmem_base", m->resmem_base);
	return memory;
}

static void describe_bars(struct json_object *object, const struct gpu *gpu)
{
	struct json_object *bars = out_array(object, "bars");

	for (int i = 0; i < GPU_BARS; i++) {
		const struct gpu_bar *bar = &gpu->bar[i];
		struct json_object *one;

		if (!bar->size)
			continue;
		one = json_object_new_object();
		out_number(one, "index", i);
		out_number(one, "start", bar->start);
		out_number(one, "size", bar->size);
		out_text(one, "kind",
			 bar->flags & FLAG_IO	? "io"
			 : bar->flags & FLAG_64 ? "memory64"
						: "memory32");
		out_bool(one, "prefetchable", bar->flags & FLAG_PREFETCH);
		json_object_array_add(bars, one);
	}
}

static void describe_group(struct json_object *object, const struct gpu *gpu)
{
	struct json_object *others = out_array(object, "group_others");
	char **names = group_members(gpu->group);

	for (char **name = names; name && *name; name++)
		if (strcmp(*name, gpu->address))
			json_object_array_add(others, out_string(*name));
	sys_names_free(names);
}

struct json_object *gpu_describe(const struct gpu *gpu)
{
	struct json_object *object = json_object_new_object(), *bridges;
	char id[16], why[256];
	enum gpu_fit fit = gpu_fit(gpu, why, sizeof(why));

	snprintf(id, sizeof(id), "%04x:%04x", gpu->model->vendor, gpu->model->device);
	out_text(object, "address", gpu->address);
	out_text(object, "id", id);
	out_text(object, "name", gpu->name);
	out_text(object, "driver", text_or_null(gpu->driver));
	out_text(object, "best_driver", text_or_null(gpu->best_driver));
	out_text(object, "best_module", text_or_null(gpu->best_module));
	out_object(object, "iommu_group", gpu->group < 0 ? NULL : json_object_new_int(gpu->group));
	out_text(object, "iommu_type", text_or_null(gpu->group_type));
	describe_group(object, gpu);
	out_text(object, "iommu", text_or_null(gpu->iommu));
	out_object(object, "numa_node",
		   gpu->numa_node < 0 ? NULL : json_object_new_int(gpu->numa_node));
	out_text(object, "power_state", text_or_null(gpu->power_state));
	describe_bars(object, gpu);
	out_object(object, "memory", describe_memory(gpu));
	out_number(object, "links", gpu->links);
	bridges = out_array(object, "bridges");
	for (int i = 0; i < gpu->bridges; i++)
		json_object_array_add(bridges, out_string(gpu->bridge[i]));
	out_bool(object, "ok", fit != FIT_FAILED);
	out_text(object, "status", gpu_fit_word(fit));
	out_text(object, "trouble", text_or_null(why));
	return object;
}
