// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who binds a GPU wants to give it to a VM, and VFIO gives IOMMU groups. What else is in the group
 * is left alone, since it may be what the host runs from; it is named, with what it is and whether
 * it is in the way.
 */
#include <stdio.h>
#include <string.h>

#include "bind/bind.h"
#include "core/error.h"
#include "core/names.h"
#include "core/out.h"
#include "core/sys.h"
#include "core/text.h"

/* The coherent GPU that a function is, or is a bridge of; NULL: none. */
static const struct gpu *gpu_of(const struct gpu_set *all, const char *address)
{
	for (size_t i = 0; i < all->count; i++)
		if (gpu_includes(&all->gpu[i], address))
			return &all->gpu[i];
	return NULL;
}

static void kind_of(char *kind, size_t size, const char *address, const struct gpu *gpu)
{
	struct pci_access *names;
	uint64_t class = 0;

	if (gpu && !strcmp(gpu->address, address)) {
		snprintf(kind, size, "%s", gpu->name);
		return;
	}
	if (gpu) {
		snprintf(kind, size, "NVLink bridge of %s", gpu->address);
		return;
	}
	sys_u64(&class, "/sys/bus/pci/devices/%.15s/class", address);
	names = names_open();
	if (!names_class(names, kind, size, class >> 8))
		snprintf(kind, size, "class %04x", (unsigned int)(class >> 8) & 0xffff);
	names_close(names);
}

static void tell(const char *address, int group, const char *kind, const char *driver,
		 const struct gpu *gpu)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "note: IOMMU group %d has also %s (%s), which the host uses, with %s. No VM gets "
		 "the group before: ",
		 group, address, kind, driver);
	print_plain(stderr, text);
	if (gpu)
		fprintf(stderr, "cohgpu bind %s\n", gpu->address);
	else
		fprintf(stderr, "echo %s > /sys/bus/pci/devices/%s/driver/unbind\n", address,
			address);
}

static void describe(struct json_object *others, const struct gpu_set *all, const char *address,
		     int group, bool quiet)
{
	struct json_object *one = json_object_new_object();
	const struct gpu *gpu = gpu_of(all, address);
	char kind[128], driver[64];

	kind_of(kind, sizeof(kind), address, gpu);
	gpu_driver_of(driver, sizeof(driver), address);
	out_text(one, "address", address);
	out_number(one, "iommu_group", group);
	out_text(one, "kind", kind);
	out_text(one, "gpu", gpu ? gpu->address : NULL);
	out_text(one, "driver", driver[0] ? driver : NULL);
	out_bool(one, "in_the_way", !group_is_viable(driver));
	json_object_array_add(others, one);
	if (!quiet && !group_is_viable(driver))
		tell(address, group, kind, driver, gpu);
}

/* The first GPU of a group speaks for it. */
static bool is_told(const struct gpu_set *set, size_t i, int group)
{
	for (size_t before = 0; before < i; before++)
		if (group_of(set->gpu[before].address) == group)
			return true;
	return group < 0;
}

void bind_others(struct json_object *others, const struct gpu_set *set, bool quiet)
{
	struct gpu_set all;

	gpu_scan(&all);
	for (size_t i = 0; i < set->count; i++) {
		/* Some get their group with their first driver. */
		int group = group_of(set->gpu[i].address);
		char **names = is_told(set, i, group) ? NULL : group_members(group);

		for (char **name = names; name && *name; name++)
			if (!gpu_of(set, *name) && !group_is_port(*name))
				describe(others, &all, *name, group, quiet);
		sys_names_free(names);
	}
	gpu_free(&all);
}
