// SPDX-License-Identifier: GPL-2.0-only
/*
 * spec/nvlink2.md section 2 on POWER, where firmware's description is a device tree: what a
 * node says of a GPU, its memory and its links, and that the driver reads the same nodes.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nvlink.h"

static struct nvlink nv;

/* A number of a property, the @i-th of @n, of so many cells each. */
static uint64_t tree_number(const char *node, const char *property, int i, int n, int cells)
{
	unsigned char bytes[128];
	uint64_t value = 0;
	char path[256];
	size_t got;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/device-tree/%s/%s", node, property);
	f = fopen(path, "r");
	OK(f, "%s: %s", path, strerror(errno));
	got = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	EQ(got, n * cells * 4, "%s: bytes", path);
	for (int at = i * cells * 4; at < (i + 1) * cells * 4; at++)
		value = value << 8 | bytes[at];
	return value;
}

static uint64_t tree_u64(const char *node, const char *property, int i, int n)
{
	return tree_number(node, property, i, n, 2);
}

static uint32_t tree_u32(const char *node, const char *property)
{
	return (uint32_t)tree_number(node, property, 0, 1, 1);
}

/* The nodes around a GPU, by their names. */
struct tree {
	char gpu[32], memory[32], host[32], adapter[32];
};

/* What user space is told of a function is the node that the driver reads. */
static void tree_shown(const char *bdf, const char *node)
{
	char path[64], told[PATH_MAX], wanted[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/of_node", bdf);
	OK(realpath(path, told), "%s: %s", path, strerror(errno));
	snprintf(path, sizeof(path), "/proc/device-tree/%s", node);
	OK(realpath(path, wanted), "%s: %s", path, strerror(errno));
	OK(!strcmp(told, wanted), "%s: of_node is %s", bdf, told);
}

static void tree_link(const struct tree *t, int i)
{
	struct nvlink_region atsd = nvlink_atsd(&nv.bridge[i]);
	char bridge[64], link[64];

	snprintf(bridge, sizeof(bridge), "%s/pci@%d", t->host, i);
	snprintf(link, sizeof(link), "%s/link@%d", t->adapter, i);
	EQ(tree_number(t->gpu, "ibm,npu", i, NVLINK_LINKS, 1), tree_u32(bridge, "phandle"),
	   "GPU to bridge %d", i);
	EQ(tree_u32(bridge, "ibm,gpu"), tree_u32(t->gpu, "phandle"), "bridge %d to GPU", i);
	EQ(tree_u32(bridge, "memory-region"), tree_u32(t->memory, "phandle"), "bridge %d to memory",
	   i);
	EQ(tree_u32(bridge, "ibm,nvlink"), tree_u32(link, "phandle"), "bridge %d to link", i);
	EQ(tree_u32(link, "ibm,npu-link-index"), i, "index of link %d", i);
	EQ(tree_u32(bridge, "ibm,nvlink-speed"), atsd.speed, "speed of link %d", i);
	EQ(tree_u64(bridge, "ibm,device-tgt-addr", 0, 1), atsd.tgt, "tgt of link %d", i);
	tree_shown(nv.bridge[i].bdf, bridge);
}

/* What the driver reads here is nodes of the device tree; when they go, nobody has a reference. */
static void device_tree(void)
{
	const struct nvlink_want all_links = {.links = NULL};
	unsigned long long base, atsd;
	struct tree t;

	nvlink_open(&nv, &all_links);
	base = nv.gpu.mem_base;
	atsd = base + NVLINK_WINDOW;
	snprintf(t.gpu, sizeof(t.gpu), "gpu@%llx", base);
	snprintf(t.memory, sizeof(t.memory), "memory@%llx", base);
	snprintf(t.host, sizeof(t.host), "pciex@%llx", atsd);
	snprintf(t.adapter, sizeof(t.adapter), "npu@%llx", atsd);
	EQ(tree_u64(t.memory, "reg", 0, 2), base, "window's base");
	EQ(tree_u64(t.memory, "reg", 1, 2), NVLINK_WINDOW, "window's size");
	for (int i = 0; i < 8; i++)
		EQ(tree_u64(t.host, "ibm,mmio-atsd", i, 8), atsd + i * NVLINK_ATSD,
		   "ATSD register %d", i);
	tree_shown(nv.gpu.bdf, t.gpu);
	for (int i = 0; i < NVLINK_LINKS; i++)
		tree_link(&t, i);
	nvlink_close(&nv);
	sim_remove(nv.gpu.name);
	for (const char *name = t.gpu; name <= t.adapter; name += sizeof(t.gpu)) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/device-tree/%s", name);
		OK(!util_exists(path), "%s: still there", path);
	}
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(device_tree),
	};

	nvlink_suite();
	return ktap_main("nvlink2_tree_power", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
