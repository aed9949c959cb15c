// SPDX-License-Identifier: GPL-2.0-only
/* May a guest have it? One judgement for all that say so. */
#include <stdio.h>
#include <string.h>

#include "core/config.h"
#include "core/gpu.h"

/* VFIO gives a group as a whole, and a V100's links with it, or opens nothing. */
static const char *fit_group_trouble(const struct gpu *gpu, char *why, size_t size)
{
	if (gpu->group < 0)
		snprintf(why, size, "in no IOMMU group: no guest can have it");
	else if (!group_trouble(gpu, why, size) && !bridge_trouble(gpu, why, size) &&
		 !bridge_apart_trouble(gpu, why, size))
		return NULL;
	return why;
}

/* With the driver that it should have. */
static const char *fit_bound_trouble(const struct gpu *gpu, char *why, size_t size)
{
	const struct gpu_memory *m = &gpu->memory;

	if (gpu->bridges < gpu->links)
		snprintf(why, size, "this kernel has %d of its %d NVLink bridges as PCI functions",
			 gpu->bridges, gpu->links);
	else if (fit_group_trouble(gpu, why, size))
		return why;
	else if (m->source == GPU_MEMORY_DRIVER && !m->present)
		snprintf(why, size, "memory not shown: %s", m->state);
	else if (!strcmp(m->ready, "failed"))
		snprintf(why, size, "memory did not become ready");
	else
		return NULL;
	return why;
}

static const char *fit_trouble(const struct gpu *gpu, char *why, size_t size)
{
	if (!gpu->driver[0])
		snprintf(why, size, "no driver bound");
	else if (!gpu_is_vfio_driver(gpu->driver))
		snprintf(why, size, "in use by the host's %s", gpu->driver);
	else if (!strcmp(gpu->driver, gpu->model->driver))
		return fit_bound_trouble(gpu, why, size);
	else if (gpu->best_driver[0] && strcmp(gpu->best_driver, gpu->driver))
		snprintf(why, size, "%s bound, %s would show the memory", gpu->driver,
			 gpu->best_driver);
	else if (!strcmp(gpu->driver, "vfio-pci"))
		snprintf(why, size, "vfio-pci shows no coherent memory, and this kernel has no %s",
			 gpu->model->driver);
	else
		return fit_bound_trouble(gpu, why, size);
	return why;
}

enum gpu_fit gpu_fit(const struct gpu *gpu, char *why, size_t size)
{
	enum config_answer answer = config_ask(gpu);

	why[0] = 0;
	if (answer == CONFIG_SILENT) {
		snprintf(why, size, "its config space reads all-ones: it does not answer");
		return FIT_FAILED;
	}
	if (fit_trouble(gpu, why, size))
		return FIT_FAILED;
	/* The kernel says the same of one that it finds gone when it puts it to sleep. */
	if (answer == CONFIG_ASLEEP) {
		snprintf(why, size, "in D3cold: asleep or gone, which only waking it tells");
		return FIT_UNSURE;
	}
	/* Nobody waits for a V100's: its guest trains the links. */
	if (gpu->model->family != GPU_GRACE || !strcmp(gpu->memory.ready, "yes"))
		return FIT_OK;
	if (gpu->memory.source == GPU_MEMORY_UNKNOWN)
		snprintf(why, size, "%s does not tell whether it is ready", gpu->driver);
	else
		snprintf(why, size,
			 "readiness not known while nobody uses it: cohgpu bench tries it");
	return FIT_UNSURE;
}

const char *gpu_fit_word(enum gpu_fit fit)
{
	static const char *const words[] = {
		[FIT_OK] = "ok", [FIT_UNSURE] = "unsure", [FIT_FAILED] = "failed"};

	return words[fit];
}
