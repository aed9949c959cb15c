// SPDX-License-Identifier: GPL-2.0-only
/*
 * GPU memory that the host uses as its own. /proc/iomem has its ranges, and not of which GPU each
 * is; where a GPU's memory is tells who has it: NVIDIA's driver in numa_status, of a GPU that is in
 * use, or a variant driver by its coherent_memory/. Of a range that is in no GPU's memory as far as
 * told it is not known whose it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys.h"
#include "core/text.h"
#include "doctor/doctor.h"

#define HOST_MEMORY "System RAM (NVIDIA)"
#define HOST_GPUS   "/proc/driver/nvidia/gpus"

struct online_area {
	uint64_t first, last;
};

static uint64_t online_field(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 16) : 0;
}

/* As NVIDIA's driver has it: of a GPU that nobody uses it says neither. */
static bool online_area_of_host(struct online_area *area, const char *address)
{
	char path[96], *text;
	uint64_t size;

	snprintf(path, sizeof(path), HOST_GPUS "/%.15s/numa_status", address);
	text = sys_slurp(path, NULL);
	if (!text)
		return false;
	area->first = online_field(text, "Address:");
	size = online_field(text, "Size:");
	area->last = area->first + size - 1;
	free(text);
	return area->first && size && area->last >= area->first;
}

static bool online_area_of(struct online_area *area, const struct gpu *gpu)
{
	const struct gpu_memory *memory = &gpu->memory;

	if (online_area_of_host(area, gpu->address))
		return true;
	area->first = memory->usemem_base;
	area->last = memory->usemem_base + memory->usemem - 1;
	return memory->source == GPU_MEMORY_DRIVER && memory->usemem_base && memory->usemem;
}

static bool online_is_anothers(const struct online_area *range, const char *address)
{
	char **names = sys_names(HOST_GPUS);
	struct online_area area;
	bool is = false;

	for (char **name = names; name && *name && !is; name++)
		is = strcmp(*name, address) && online_area_of_host(&area, *name) &&
		     range->first >= area.first && range->last <= area.last;
	sys_names_free(names);
	return is;
}

static void online_count(struct online *online, const struct online_area *range,
			 const struct gpu *gpu)
{
	struct online_area area;

	/* Who is not root reads zeros. */
	if (!gpu || !range->last)
		online->untold++;
	else if (online_area_of(&area, gpu))
		online->own += range->first <= area.last && range->last >= area.first;
	else if (!online_is_anothers(range, gpu->address))
		online->untold++;
}

bool online_read(struct online *online, const struct gpu *gpu)
{
	char *text = sys_slurp("/proc/iomem", NULL), *save = NULL;
	bool known = text;

	memset(online, 0, sizeof(*online));
	for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		struct online_area range = {0};
		char *end = line;

		if (!strstr(line, HOST_MEMORY))
			continue;
		range.first = strtoull(line, &end, 16);
		range.last = *end == '-' ? strtoull(end + 1, NULL, 16) : 0;
		online_count(online, &range, gpu);
	}
	free(text);
	return known;
}

static void online_finding(struct finding *f, const struct gpu *gpu)
{
	struct online online;
	unsigned int ranges;

	if (!online_read(&online, gpu)) {
		finding(f, VERDICT_SKIP, "/proc/iomem cannot be read");
		return;
	}
	ranges = online.own + online.untold;
	if (!ranges)
		finding(f, VERDICT_PASS, "none of it is the host's");
	else if (gpu && !online.own && gpu_is_vfio_driver(gpu->driver))
		finding(f, VERDICT_SKIP,
			"%u range%s of GPU memory online in the host, and nothing tells "
			"of which GPU",
			ranges, plural(ranges));
	else
		finding(f, VERDICT_FAIL, "%u range%s of GPU memory online in the host", ranges,
			plural(ranges));
}

void check_memory_offline(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	(void)p;
	online_finding(f, gpu);
}

void bare_memory_offline(struct finding *f, const struct patient *p)
{
	(void)p;
	online_finding(f, NULL);
}
