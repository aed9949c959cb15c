// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the device tree says of a V100, whichever driver has it:
 *
 *	GPU      ibm,npu          its NVLink bridges, by phandle
 *	bridge   memory-region    the node whose `reg` is the GPU's memory
 *
 * That firmware names bridges is what makes a V100 coherent: one without is an ordinary GPU. They
 * are nodes below a PCI host of the tree. Whether they are PCI functions too is up to the kernel:
 * Linux gave them none from 5.13 on, and the GPU has its memory all the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/gpu.h"
#include "core/sys.h"

#define FIRMWARE_TREE "/proc/device-tree"
#define FIRMWARE_PATH 256
#define FIRMWARE_CELL 4

/* A cell of 32 bits as it is in the tree; compared only. */
static bool cell_is(const char *path, const char *cell)
{
	size_t size = 0;
	char *value = sys_slurp(path, &size);
	bool is = value && size == FIRMWARE_CELL && !memcmp(value, cell, FIRMWARE_CELL);

	free(value);
	return is;
}

/* Two cells, most significant first. */
static uint64_t cells(const unsigned char *at)
{
	uint64_t value = 0;

	for (int i = 0; i < 2 * FIRMWARE_CELL; i++)
		value = value << 8 | at[i];
	return value;
}

/* The node in a folder, of those whose names begin so, that has this phandle. */
static bool firmware_find(char *node, const char *folder, const char *prefix, const char *phandle)
{
	char **names = sys_names(folder), path[FIRMWARE_PATH];
	bool found = false;

	for (char **name = names; name && *name && !found; name++) {
		if (strncmp(*name, prefix, strlen(prefix)))
			continue;
		snprintf(path, sizeof(path), "%.128s/%.96s/phandle", folder, *name);
		found = cell_is(path, phandle);
		if (found)
			snprintf(node, FIRMWARE_PATH, "%.128s/%.96s", folder, *name);
	}
	sys_names_free(names);
	return found;
}

/* A bridge that is no PCI function. */
static bool firmware_find_bridge(char *node, const char *phandle)
{
	char **hosts = sys_names(FIRMWARE_TREE), folder[FIRMWARE_PATH];
	bool found = false;

	for (char **host = hosts; host && *host && !found; host++) {
		snprintf(folder, sizeof(folder), FIRMWARE_TREE "/%.96s", *host);
		found = !strncmp(*host, "pci", 3) && firmware_find(node, folder, "", phandle);
	}
	sys_names_free(hosts);
	return found;
}

/*
 * The window is what firmware sets aside for whichever GPU, 128 GiB. How much of it is memory the
 * guest's driver finds out; until then it is what GPUs of this kind have.
 */
static void firmware_read_window(struct gpu *gpu, const char *node)
{
	struct gpu_memory *m = &gpu->memory;
	char path[FIRMWARE_PATH + 8], *reg;
	size_t size = 0;

	snprintf(path, sizeof(path), "%s/reg", node);
	reg = sys_slurp(path, &size);
	if (reg && size == 4 * FIRMWARE_CELL) {
		m->source = GPU_MEMORY_FIRMWARE;
		m->usemem_base = cells((unsigned char *)reg);
		m->window = cells((unsigned char *)reg + 2 * FIRMWARE_CELL);
		m->total = m->window < gpu->model->memory ? m->window : gpu->model->memory;
		m->usemem = m->total;
	}
	free(reg);
}

void firmware_read_memory(struct gpu *gpu)
{
	char bridge[FIRMWARE_PATH], memory[FIRMWARE_PATH], path[FIRMWARE_PATH + 16], *region;
	size_t size = 0;

	if (gpu->bridges)
		snprintf(bridge, sizeof(bridge), "/sys/bus/pci/devices/%s/of_node", gpu->bridge[0]);
	else if (!gpu->links || !firmware_find_bridge(bridge, gpu->first_link))
		return;
	snprintf(path, sizeof(path), "%s/memory-region", bridge);
	region = sys_slurp(path, &size);
	if (region && size == FIRMWARE_CELL &&
	    firmware_find(memory, FIRMWARE_TREE, "memory", region))
		firmware_read_window(gpu, memory);
	free(region);
}

void firmware_read_links(struct gpu *gpu)
{
	size_t size = 0, links;
	char *wanted = sys_slurp(gpu_file(gpu, "of_node/ibm,npu"), &size), path[FIRMWARE_PATH];
	char **names = wanted ? sys_names("/sys/bus/pci/devices") : NULL;

	links = size / FIRMWARE_CELL;
	gpu->links = links < GPU_BRIDGES ? (int)links : GPU_BRIDGES;
	if (gpu->links)
		memcpy(gpu->first_link, wanted, FIRMWARE_CELL);
	for (char **name = names; name && *name; name++) {
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.16s/of_node/phandle", *name);
		for (int i = 0; i < gpu->links && gpu->bridges < GPU_BRIDGES; i++)
			if (cell_is(path, wanted + i * FIRMWARE_CELL))
				snprintf(gpu->bridge[gpu->bridges++], GPU_ADDRESS, "%.15s", *name);
	}
	sys_names_free(names);
	free(wanted);
}
