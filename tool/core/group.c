// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU groups: devices that the IOMMU cannot keep apart. VFIO gives a group to one user as a
 * whole, and only while no driver of the host's has any of it: "not viable" is what it says
 * otherwise. An ordinary GPU is alone in its group. On an AC922 all GPUs at an NPU are in one with
 * all their bridges, since they are linked to each other, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/gpu.h"
#include "core/sys.h"

#define CLASS_PCI_BRIDGE 0x0604

int group_of(const char *address)
{
	char name[32];

	if (sys_link(name, sizeof(name), "/sys/bus/pci/devices/%.15s/iommu_group", address))
		return -1;
	return atoi(name);
}

char **group_members(int group)
{
	char path[64];

	if (group < 0)
		return NULL;
	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/devices", group);
	return sys_names(path);
}

bool group_is_port(const char *address)
{
	uint64_t class = 0;

	return !sys_u64(&class, "/sys/bus/pci/devices/%.15s/class", address) &&
	       class >> 8 == CLASS_PCI_BRIDGE;
}

bool group_is_viable(const char *driver)
{
	return !driver[0] || gpu_is_vfio_driver(driver) || !strcmp(driver, "pcieport") ||
	       !strcmp(driver, "pci-stub");
}

bool gpu_includes(const struct gpu *gpu, const char *address)
{
	for (int i = 0; i < gpu->bridges; i++)
		if (!strcmp(gpu->bridge[i], address))
			return true;
	return !strcmp(gpu->address, address);
}

bool gpu_group_held(const struct gpu *gpu, struct group_member *member)
{
	char **names = group_members(gpu->group);
	bool held = false;

	for (char **name = names; name && *name && !held; name++) {
		if (gpu_includes(gpu, *name))
			continue;
		snprintf(member->address, sizeof(member->address), "%.15s", *name);
		gpu_driver_of(member->driver, sizeof(member->driver), *name);
		held = !group_is_viable(member->driver);
	}
	sys_names_free(names);
	return held;
}

/* One that the host uses says more than one that is free. */
bool gpu_bridge_held(const struct gpu *gpu, struct group_member *member)
{
	bool given = gpu_is_vfio_driver(gpu->driver), found = false;
	char driver[sizeof(member->driver)];

	for (int i = 0; i < gpu->bridges; i++) {
		gpu_driver_of(driver, sizeof(driver), gpu->bridge[i]);
		if (driver[0] ? gpu_is_vfio_driver(driver) : !given || found)
			continue;
		memcpy(member->address, gpu->bridge[i], sizeof(member->address));
		memcpy(member->driver, driver, sizeof(member->driver));
		found = true;
		if (driver[0])
			break;
	}
	return found;
}

const char *gpu_bridge_apart(const struct gpu *gpu)
{
	for (int i = 0; i < gpu->bridges; i++)
		if (gpu->group >= 0 && group_of(gpu->bridge[i]) != gpu->group)
			return gpu->bridge[i];
	return NULL;
}

bool group_trouble(const struct gpu *gpu, char *why, size_t size)
{
	struct group_member other;

	if (!gpu_group_held(gpu, &other))
		return false;
	snprintf(why, size, "group %d has also %s, which the host uses, with %s", gpu->group,
		 other.address, other.driver);
	return true;
}

bool bridge_trouble(const struct gpu *gpu, char *why, size_t size)
{
	struct group_member bridge;

	if (!gpu_bridge_held(gpu, &bridge))
		return false;
	if (bridge.driver[0])
		snprintf(why, size, "the host uses its bridge %s, with %s", bridge.address,
			 bridge.driver);
	else
		snprintf(why, size, "its bridge %s has no driver", bridge.address);
	return true;
}

bool bridge_apart_trouble(const struct gpu *gpu, char *why, size_t size)
{
	const char *apart = gpu_bridge_apart(gpu);
	int group = apart ? group_of(apart) : -1;

	if (!apart)
		return false;
	if (group < 0)
		snprintf(why, size, "its bridge %s is in no group, the GPU in group %d", apart,
			 gpu->group);
	else
		snprintf(why, size, "its bridge %s is in group %d, the GPU in group %d", apart,
			 group, gpu->group);
	return true;
}
