// SPDX-License-Identifier: GPL-2.0-only
/* Finding coherent GPUs in sysfs, and what their files say. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/gpu.h"
#include "core/names.h"
#include "core/sys.h"

#define GPU_DEVICES "/sys/bus/pci/devices"
#define GRACE	    "nvgrace_gpu_vfio_pci"
#define NVLINK2	    "nvlink2_vfio_pci"

const struct gpu_model gpu_models[] = {
	{0x10de, 0x2342, GPU_GRACE, "GH200 120GB", GRACE, 0},
	{0x10de, 0x2345, GPU_GRACE, "GH200 480GB", GRACE, 0},
	{0x10de, 0x2348, GPU_GRACE, "GH200 144G HBM3e", GRACE, 0},
	{0x10de, 0x2941, GPU_GRACE, "GB200", GRACE, 0},
	{0x10de, 0x31c2, GPU_GRACE, "GB300", GRACE, 0},
	{0x10de, 0x1db1, GPU_NVLINK2, "Tesla V100 SXM2 16GB", NVLINK2, 16ULL << 30},
	{0x10de, 0x1db5, GPU_NVLINK2, "Tesla V100 SXM2 32GB", NVLINK2, 32ULL << 30},
	{0},
};

const char *gpu_file(const struct gpu *gpu, const char *name)
{
	static char path[4][128];
	static unsigned int next;
	char *buf = path[next++ % 4];

	snprintf(buf, sizeof(path[0]), GPU_DEVICES "/%s/%s", gpu->address, name);
	return buf;
}

bool gpu_is_vfio_driver(const char *driver)
{
	return !strcmp(driver, "vfio-pci") || strstr(driver, "_vfio_pci") ||
	       strstr(driver, "-vfio-pci");
}

void gpu_driver_of(char *buf, size_t size, const char *address)
{
	sys_link(buf, size, GPU_DEVICES "/%s/driver", address);
}

bool gpu_group_may_come(const struct gpu *gpu)
{
	char **iommus = sys_names("/sys/class/iommu");
	bool any = iommus && *iommus;

	sys_names_free(iommus);
	return any && gpu->group < 0 && !gpu->driver[0];
}

uint64_t gpu_bar_size(uint64_t length)
{
	uint64_t size = length ? 1 : 0;

	while (size && size < length)
		size <<= 1;
	return size;
}

static uint64_t gpu_number(const struct gpu *gpu, const char *name)
{
	uint64_t value = 0;

	return sys_u64(&value, "%s", gpu_file(gpu, name)) ? 0 : value;
}

static void gpu_read_memory(struct gpu *gpu)
{
	struct gpu_memory *m = &gpu->memory;

	strcpy(m->ready, "unknown");
	firmware_read_memory(gpu);
	if (sys_line(m->state, sizeof(m->state), "%s", gpu_file(gpu, "coherent_memory/state"))) {
		if (m->source == GPU_MEMORY_FIRMWARE)
			strcpy(m->state, "present, by the device tree");
		return;
	}
	m->source = GPU_MEMORY_DRIVER;
	m->present = !strcmp(m->state, "present");
	if (sys_line(m->ready, sizeof(m->ready), "%s", gpu_file(gpu, "coherent_memory/ready")))
		strcpy(m->ready, "unknown");
	m->usemem = gpu_number(gpu, "coherent_memory/usemem_length");
	m->resmem = gpu_number(gpu, "coherent_memory/resmem_length");
	m->usemem_offset = gpu_number(gpu, "coherent_memory/usemem_offset");
	m->resmem_offset = gpu_number(gpu, "coherent_memory/resmem_offset");
	m->usemem_base = gpu_number(gpu, "coherent_memory/usemem_base");
	m->resmem_base = gpu_number(gpu, "coherent_memory/resmem_base");
	m->generation = gpu_number(gpu, "coherent_memory/reset_generation");
	m->resets = gpu_number(gpu, "coherent_memory/resets");
	m->total = m->usemem + m->resmem;
}

static void gpu_read_bars(struct gpu *gpu)
{
	char *text = sys_slurp(gpu_file(gpu, "resource"), NULL), *line = text;

	for (int i = 0; line && *line && i < GPU_BARS; i++) {
		uint64_t start, end, flags;

		if (sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64, &start, &end, &flags) == 3 &&
		    end > start) {
			gpu->bar[i].start = start;
			gpu->bar[i].size = end - start + 1;
			gpu->bar[i].flags = flags;
		}
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	free(text);
}

static void gpu_read_group(struct gpu *gpu)
{
	gpu->group = group_of(gpu->address);
	gpu->group_type[0] = 0;
	if (gpu->group >= 0)
		sys_line(gpu->group_type, sizeof(gpu->group_type),
			 "/sys/kernel/iommu_groups/%d/type", gpu->group);
	sys_link(gpu->iommu, sizeof(gpu->iommu), "%s", gpu_file(gpu, "iommu"));
}

static void gpu_read_best(struct gpu *gpu, uint32_t class)
{
	struct alias_id id = {
		.vendor = gpu->model->vendor,
		.device = gpu->model->device,
		.subvendor = gpu_number(gpu, "subsystem_vendor"),
		.subdevice = gpu_number(gpu, "subsystem_device"),
		.class = class,
	};

	if (!alias_best(&id, gpu->best_module, sizeof(gpu->best_module)))
		return;
	/* vfio-pci is the one driver that is not named as its module's symbol is. */
	snprintf(gpu->best_driver, sizeof(gpu->best_driver), "%s",
		 strcmp(gpu->best_module, "vfio_pci") ? gpu->best_module : "vfio-pci");
}

static void gpu_read_name(struct gpu *gpu, struct pci_access *names)
{
	if (!names_device(names, gpu->name, sizeof(gpu->name), gpu->model->vendor,
			  gpu->model->device))
		snprintf(gpu->name, sizeof(gpu->name), "%s", gpu->model->name);
}

static const struct gpu_model *gpu_model(uint64_t vendor, uint64_t device)
{
	for (const struct gpu_model *m = gpu_models; m->name; m++)
		if (m->vendor == vendor && m->device == device)
			return m;
	return NULL;
}

/*
 * A device ID tells the module, not the machine: the same V100 is coherent where firmware ties it
 * to NVLink bridges of the CPU, and in any other machine it is not.
 */
static bool gpu_is_coherent(struct gpu *gpu)
{
	if (gpu->model->family != GPU_NVLINK2)
		return true;
	firmware_read_links(gpu);
	return gpu->links;
}

static bool gpu_read(struct gpu *gpu, const char *address, struct pci_access *names)
{
	uint64_t node = 0;

	memset(gpu, 0, sizeof(*gpu));
	snprintf(gpu->address, sizeof(gpu->address), "%.15s", address);
	gpu->model = gpu_model(gpu_number(gpu, "vendor"), gpu_number(gpu, "device"));
	if (!gpu->model || !gpu_is_coherent(gpu))
		return false;
	gpu_driver_of(gpu->driver, sizeof(gpu->driver), gpu->address);
	/* -1 is what the kernel says for none, and what strtoull makes of it. */
	gpu->numa_node = sys_u64(&node, "%s", gpu_file(gpu, "numa_node")) ? -1 : (int)node;
	sys_line(gpu->power_state, sizeof(gpu->power_state), "%s", gpu_file(gpu, "power_state"));
	gpu_read_name(gpu, names);
	gpu_read_best(gpu, gpu_number(gpu, "class"));
	gpu_read_group(gpu);
	gpu_read_bars(gpu);
	gpu_read_memory(gpu);
	return true;
}

bool gpu_refresh(struct gpu *gpu)
{
	if (!sys_exists(gpu_file(gpu, "vendor")))
		return false;
	gpu_driver_of(gpu->driver, sizeof(gpu->driver), gpu->address);
	sys_line(gpu->power_state, sizeof(gpu->power_state), "%s", gpu_file(gpu, "power_state"));
	/* The first driver may bring a group, and functions that go take bridges along. */
	gpu_read_group(gpu);
	gpu->bridges = 0;
	if (gpu->model->family == GPU_NVLINK2)
		firmware_read_links(gpu);
	memset(&gpu->memory, 0, sizeof(gpu->memory));
	gpu_read_memory(gpu);
	return true;
}

bool gpu_parse_address(const char *text, int *domain, int *bus, int *slot, int *function)
{
	unsigned int d, b, s, f;
	int used = 0;

	*domain = -1;
	/* scanf takes signs, spaces and 0x for part of a number. */
	if (text[strspn(text, "0123456789abcdefABCDEF:.")])
		return false;
	if (sscanf(text, "%5x:%2x:%2x.%1x%n", &d, &b, &s, &f, &used) == 4 && !text[used])
		*domain = d;
	else if (sscanf(text, "%2x:%2x.%1x%n", &b, &s, &f, &used) != 3 || text[used])
		return false;
	*bus = b;
	*slot = s;
	*function = f;
	return s < 32 && f < 8;
}

/* As the kernel spells one, so that whatever else a tree has there is nothing to print. */
static bool is_address(const char *name)
{
	int domain, bus, slot, function;

	return gpu_parse_address(name, &domain, &bus, &slot, &function) && domain >= 0 &&
	       strlen(name) < GPU_ADDRESS;
}

void gpu_scan(struct gpu_set *set)
{
	char **names = sys_names(GPU_DEVICES);
	struct pci_access *ids = names_open();
	struct gpu *more, one;

	memset(set, 0, sizeof(*set));
	for (char **name = names; name && *name; name++) {
		if (!is_address(*name))
			continue;
		if (!gpu_read(&one, *name, ids)) {
			if (one.model)
				memcpy(set->ordinary, one.address, sizeof(set->ordinary));
			continue;
		}
		more = realloc(set->gpu, (set->count + 1) * sizeof(*more));
		if (!more)
			break;
		set->gpu = more;
		set->gpu[set->count++] = one;
	}
	names_close(ids);
	sys_names_free(names);
}

void gpu_copy(struct gpu_set *to, const struct gpu_set *from)
{
	*to = *from;
	to->gpu = from->count ? malloc(from->count * sizeof(*to->gpu)) : NULL;
	if (to->gpu)
		memcpy(to->gpu, from->gpu, from->count * sizeof(*to->gpu));
	else
		to->count = 0;
}

void gpu_free(struct gpu_set *set)
{
	free(set->gpu);
	memset(set, 0, sizeof(*set));
}

static bool gpu_matches(const struct gpu *gpu, int domain, int bus, int slot, int function)
{
	int d, b, s, f;

	return gpu_parse_address(gpu->address, &d, &b, &s, &f) && b == bus && s == slot &&
	       f == function && (domain < 0 || d == domain);
}

bool gpu_is_named(const struct gpu_set *set, const char *word)
{
	int domain, bus, slot, function;

	if (!gpu_parse_address(word, &domain, &bus, &slot, &function))
		return false;
	for (size_t i = 0; i < set->count; i++)
		if (gpu_matches(&set->gpu[i], domain, bus, slot, function))
			return true;
	return false;
}

/* The GPU that a word names; an exit code otherwise. */
static int gpu_find(const struct gpu_set *set, const char *word, const struct gpu **found)
{
	int domain, bus, slot, function;

	*found = NULL;
	if (!gpu_parse_address(word, &domain, &bus, &slot, &function)) {
		complain(word, "find", "neither a PCI address (0009:01:00.0, 01:00.0) nor \"all\"");
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < set->count; i++) {
		const struct gpu *gpu = &set->gpu[i];

		if (!gpu_matches(gpu, domain, bus, slot, function))
			continue;
		if (*found) {
			complain(word, "find", "%s and %s both end so: give the domain too",
				 (*found)->address, gpu->address);
			return EXIT_USAGE;
		}
		*found = gpu;
	}
	if (*found)
		return EXIT_OK;
	complain(word, "find", "no coherent GPU has this address");
	advise("see: cohgpu list");
	return EXIT_UNKNOWN;
}

static bool gpu_has(const struct gpu *gpu, size_t count, const struct gpu *one)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(gpu[i].address, one->address))
			return true;
	return false;
}

int gpu_select(struct gpu_set *set, char **words, int count)
{
	struct gpu *chosen = calloc(set->count ? set->count : 1, sizeof(*chosen));
	const struct gpu *found;
	size_t have = 0;
	int status = EXIT_OK;

	if (!chosen)
		return EXIT_FAILED;
	if (!set->count) {
		complain(GPU_DEVICES, "find", "no coherent GPU in this machine");
		if (set->ordinary[0])
			advise("%s would be one if the device tree named NVLink bridges of the CPU "
			       "for it: it has no of_node/ibm,npu",
			       set->ordinary);
		status = EXIT_NOTHING;
	}
	for (int w = 0; w < count && !status; w++) {
		if (!strcmp(words[w], "all")) {
			memcpy(chosen, set->gpu, set->count * sizeof(*chosen));
			have = set->count;
			continue;
		}
		status = gpu_find(set, words[w], &found);
		if (!status && !gpu_has(chosen, have, found))
			chosen[have++] = *found;
	}
	if (!status && count) {
		free(set->gpu);
		set->gpu = chosen;
		set->count = have;
	} else {
		free(chosen);
	}
	return status;
}
