// SPDX-License-Identifier: GPL-2.0-only
/* What sysfs says of one GPU, and what of that would hurt a guest. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "core/out.h"
#include "core/ready.h"
#include "core/sys.h"
#include "core/text.h"
#include "doctor/doctor.h"

void check_variant_driver(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	(void)p;
	if (!alias_known())
		finding(f, VERDICT_SKIP, "/lib/modules/%s/modules.alias cannot be read",
			sys_release());
	else if (!gpu->best_driver[0] || !strcmp(gpu->best_driver, "vfio-pci"))
		finding(f, VERDICT_FAIL, "kernel %s has no VFIO variant driver for %04x:%04x",
			sys_release(), gpu->model->vendor, gpu->model->device);
	else
		finding(f, VERDICT_PASS, "%s", gpu->best_driver);
}

void check_bound_driver(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	(void)p;
	if (!gpu->driver[0])
		finding(f, VERDICT_WARN, "no driver is bound");
	else if (!gpu_is_vfio_driver(gpu->driver))
		finding(f, VERDICT_WARN, "the host uses it, with %s", gpu->driver);
	else if (!strcmp(gpu->driver, "vfio-pci"))
		finding(f, VERDICT_FAIL, "vfio-pci, which knows nothing of coherent memory");
	else
		finding(f, VERDICT_PASS, "%s", gpu->driver);
}

/* The same name with the other of the two spellings. */
static void other_spelling(char *buf, size_t size, const char *name)
{
	snprintf(buf, size, "%s", name);
	for (char *c = buf; *c; c++)
		*c = *c == '-' ? '_' : *c == '_' ? '-' : *c;
}

void check_driver_name(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	char name[128], other[128], path[192];

	(void)p;
	if (sys_line(name, sizeof(name), "%s", gpu_file(gpu, "driver_override"))) {
		finding(f, VERDICT_SKIP, "driver_override cannot be read");
		return;
	}
	if (!name[0] || !strcmp(name, "(null)")) {
		finding(f, VERDICT_PASS, "no driver_override");
		return;
	}
	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s", name);
	if (sys_exists(path)) {
		finding(f, VERDICT_PASS, "driver_override %s", name);
		return;
	}
	other_spelling(other, sizeof(other), name);
	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s", other);
	if (sys_exists(path))
		finding(f, VERDICT_FAIL, "driver_override says %s, the driver is %s", name, other);
	else
		finding(f, VERDICT_FAIL, "driver_override says %s, no such driver is loaded", name);
}

void check_memory_present(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	char size[32], window[32];

	(void)p;
	if (gpu->model->family == GPU_NVLINK2 && gpu->memory.source == GPU_MEMORY_UNKNOWN)
		finding(f, VERDICT_FAIL, "no node of the device tree has its memory");
	else if (gpu->memory.source == GPU_MEMORY_FIRMWARE)
		finding(f, VERDICT_PASS, "%s, in a window of %s by the device tree",
			out_size(size, gpu->memory.total), out_size(window, gpu->memory.window));
	else if (gpu->memory.source != GPU_MEMORY_DRIVER)
		finding(f, VERDICT_SKIP, "%s does not tell",
			gpu->driver[0] ? gpu->driver : "no driver");
	else if (!gpu->memory.present)
		finding(f, VERDICT_FAIL, "%s", gpu->memory.state);
	else
		finding(f, VERDICT_PASS, "%s", out_size(size, gpu->memory.total));
}

/* Nobody has it open, or has touched its memory yet; what the log has may be over by now. */
static void not_known(struct finding *f, const struct gpu *gpu)
{
	char record[READY_TEXT + 64], when[32];
	int ret = ready_record(record, sizeof(record), gpu->address);

	if (!ret)
		finding(f, VERDICT_WARN, "not known while nobody uses it; the log has, at %s: %s",
			ready_when(when, record), ready_reason(record, gpu->address));
	else if (ret == -EPERM || ret == -EACCES)
		finding(f, VERDICT_SKIP, "not known while nobody uses it; only root sees the log");
	else
		finding(f, VERDICT_SKIP, "not known while nobody uses it: cohgpu bench tries it");
}

void check_memory_ready(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	const char *ready = gpu->memory.ready;
	char record[READY_TEXT + 64], registers[64];

	(void)p;
	if (!strcmp(ready, "yes"))
		finding(f, VERDICT_PASS, "trained, after %llu reset%s",
			(unsigned long long)gpu->memory.resets, plural(gpu->memory.resets));
	else if (gpu->memory.source != GPU_MEMORY_DRIVER)
		finding(f, VERDICT_SKIP, "%s does not tell",
			gpu->driver[0] ? gpu->driver : "no driver");
	else if (!gpu->memory.present)
		finding(f, VERDICT_SKIP, "its memory is not shown");
	else if (strcmp(ready, "failed"))
		not_known(f, gpu);
	else if (ready_registers(registers, sizeof(registers), gpu))
		finding(f, VERDICT_FAIL, "the time allowed is up: %s", registers);
	else if (!ready_record(record, sizeof(record), gpu->address))
		finding(f, VERDICT_FAIL, "%s", ready_reason(record, gpu->address));
	else
		finding(f, VERDICT_FAIL, "the time allowed is up");
}

void check_iommu(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	(void)p;
	if (gpu_group_may_come(gpu))
		finding(f, VERDICT_SKIP, "in no IOMMU group before its first driver is bound");
	else if (gpu->group < 0)
		finding(f, VERDICT_FAIL, "in no IOMMU group");
	else
		finding(f, VERDICT_PASS, "group %d%s%s", gpu->group, gpu->iommu[0] ? ", " : "",
			gpu->iommu);
}

/* Of the GPU's bridges there is a check of their own. */
void check_iommu_group(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	char why[192];

	(void)p;
	if (gpu->group < 0)
		finding(f, VERDICT_SKIP, "in no IOMMU group");
	else if (group_trouble(gpu, why, sizeof(why)))
		finding(f, VERDICT_FAIL, "%s", why);
	else
		finding(f, VERDICT_PASS, "nothing in it that the host uses");
}

void check_iommu_shared(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	finding(f, VERDICT_PASS, "alone behind %s", gpu->iommu);
	if (!gpu->iommu[0]) {
		finding(f, VERDICT_SKIP, "its IOMMU is not named");
		return;
	}
	for (size_t i = 0; i < p->gpus->count; i++) {
		const struct gpu *other = &p->gpus->gpu[i];

		if (strcmp(other->address, gpu->address) && !strcmp(other->iommu, gpu->iommu))
			finding(f, VERDICT_WARN, "%s is behind %s too", other->address, gpu->iommu);
	}
}

void check_answers(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	(void)p;
	switch (config_ask(gpu)) {
	case CONFIG_ANSWERS:
		finding(f, VERDICT_PASS, "it answers");
		break;
	case CONFIG_SILENT:
		finding(f, VERDICT_FAIL, "config space reads all-ones");
		break;
	case CONFIG_ASLEEP:
		finding(f, VERDICT_SKIP, "in D3cold: asleep or gone, which only waking it tells");
		break;
	default:
		finding(f, VERDICT_SKIP, "config space cannot be read");
	}
}

/*
 * VFIO lets a GPU sleep that nobody has open, as deep as the platform can; memory that lost its
 * power in D3cold has to be trained anew. One that rests in D3hot shows that it goes no deeper.
 * POWER has no D3cold.
 */
static bool power_may_go(const struct gpu *gpu)
{
	char control[16] = "", idle[8] = "";
	uint64_t allowed = 0;

	if (gpu->model->family != GPU_GRACE || !gpu_is_vfio_driver(gpu->driver) ||
	    strcmp(gpu->power_state, "D0"))
		return false;
	sys_u64(&allowed, "%s", gpu_file(gpu, "d3cold_allowed"));
	sys_line(control, sizeof(control), "%s", gpu_file(gpu, "power/control"));
	sys_line(idle, sizeof(idle), "/sys/module/vfio_pci/parameters/disable_idle_d3");
	return allowed && strcmp(control, "on") && idle[0] != 'Y';
}

void check_power(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	(void)p;
	if (!gpu->power_state[0])
		finding(f, VERDICT_SKIP, "power_state cannot be read");
	else if (!gpu->driver[0] && !strcmp(gpu->power_state, "unknown"))
		finding(f, VERDICT_SKIP, "not known before its first driver is bound");
	else if (!strcmp(gpu->power_state, "D3cold"))
		finding(f, VERDICT_WARN, "asleep in D3cold");
	else if (strncmp(gpu->power_state, "D", 1))
		finding(f, VERDICT_FAIL, "power state %s", gpu->power_state);
	else if (power_may_go(gpu))
		finding(f, VERDICT_WARN,
			"%s; D3cold is allowed when nobody uses it, if the platform has it",
			gpu->power_state);
	else
		finding(f, VERDICT_PASS, "%s", gpu->power_state);
}

void check_reset(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	char methods[64];

	(void)p;
	if (!sys_exists(gpu_file(gpu, "reset_method")))
		finding(f, VERDICT_FAIL, "no way to reset it");
	else if (sys_line(methods, sizeof(methods), "%s", gpu_file(gpu, "reset_method")))
		finding(f, VERDICT_SKIP, "reset_method cannot be read");
	else if (!methods[0])
		finding(f, VERDICT_FAIL, "no way to reset it is enabled");
	else
		finding(f, VERDICT_PASS, "by %s", methods);
}
