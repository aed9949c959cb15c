// SPDX-License-Identifier: GPL-2.0-only
/*
 * The name of a driver. A module, its alias target, the PCI driver and the VFIO operations are
 * spelt with hyphens here and underscores there; sysfs knows only the PCI driver's.
 */
#include <stdio.h>
#include <string.h>

#include <libkmod.h>

#include "bind/bind.h"
#include "core/module.h"
#include "core/sys.h"

#define DRIVERS "/sys/bus/pci/drivers"

static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return *a == *b;
}

bool target_loaded(char *driver, size_t size, const char *given)
{
	char **names = sys_names(DRIVERS);
	bool found = false;

	for (char **name = names; name && *name && !found; name++) {
		found = same_name(*name, given);
		if (found)
			snprintf(driver, size, "%s", *name);
	}
	sys_names_free(names);
	return found;
}

bool target_expected(char *driver, size_t size, const char *given)
{
	if (!module_known(given))
		return false;
	snprintf(driver, size, "%s", given);
	for (char *c = driver; *c; c++)
		*c = *c == '-' ? '_' : *c;
	/* The one driver that is not named as its module's symbol is. */
	if (!strcmp(driver, "vfio_pci"))
		snprintf(driver, size, "vfio-pci");
	return true;
}

void module_load(const char *name)
{
	struct kmod_list *list = NULL, *item;
	struct kmod_ctx *kmod = kmod_new(NULL, NULL);

	if (kmod && !kmod_module_new_from_lookup(kmod, name, &list)) {
		kmod_list_foreach(item, list)
		{
			struct kmod_module *one = kmod_module_get_module(item);

			kmod_module_probe_insert_module(one, 0, NULL, NULL, NULL, NULL);
			kmod_module_unref(one);
		}
		kmod_module_unref_list(list);
	}
	kmod_unref(kmod);
}

bool target_load(char *driver, size_t size, const char *given)
{
	/* A tree's kernel does not run. */
	if (!target_loaded(driver, size, given) && !sys_is_tree())
		module_load(given);
	return target_loaded(driver, size, given);
}

void target_best(char *driver, size_t size, const char *address)
{
	struct alias_id id = {0};
	char path[64];
	uint64_t value;
	struct {
		const char *file;
		uint32_t *to;
	} parts[] = {{"vendor", &id.vendor},
		     {"device", &id.device},
		     {"subsystem_vendor", &id.subvendor},
		     {"subsystem_device", &id.subdevice},
		     {"class", &id.class}};

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.15s", address);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (!sys_u64(&value, "%s/%s", path, parts[i].file))
			*parts[i].to = value;
	if (!alias_best(&id, driver, size))
		snprintf(driver, size, "vfio_pci");
}
