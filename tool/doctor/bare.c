// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a machine has of what any such GPU needs: asked of all machines (check_...), or of one that
 * has no GPU yet, in place of what is asked of each GPU (bare_...).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/module.h"
#include "core/sys.h"
#include "core/text.h"
#include "doctor/doctor.h"

#define CLASS_3D    0x030200
#define CORE	    "vfio_pci_core"
#define BEFORE_5_16 "vfio_pci" /* which had no core of its own */

enum gpu_family bare_family(void)
{
	return machine_is_power() ? GPU_NVLINK2 : GPU_GRACE;
}

static const char *bare_driver(void)
{
	const struct gpu_model *m = gpu_models;

	while (m->family != bare_family())
		m++;
	return m->driver;
}

/* By what runs, by the modules that are installed, by what the kernel was made with. */
void check_vfio(struct finding *f, const struct patient *p)
{
	const char *config = kernel_config("VFIO_PCI");
	char path[192];

	(void)p;
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", sys_release());
	if (sys_exists("/sys/module/" CORE))
		finding(f, VERDICT_PASS, CORE " is loaded");
	else if (module_known(CORE) || module_known(BEFORE_5_16))
		finding(f, VERDICT_PASS, "%s has it", sys_release());
	else if (config && !strcmp(config, "y"))
		finding(f, VERDICT_PASS, "CONFIG_VFIO_PCI=y");
	else if (config && strcmp(config, "m"))
		finding(f, VERDICT_FAIL, "CONFIG_VFIO_PCI is not set");
	else if (config || sys_exists(path))
		finding(f, VERDICT_FAIL, "no " CORE " is installed for %s", sys_release());
	else
		finding(f, VERDICT_SKIP, "%s cannot be read", path);
}

/* The best one for a GPU of this kind; NULL: none that is made for it. */
static const char *variant_for(const struct gpu_model *m, char *module, size_t size)
{
	struct alias_id id = {.vendor = m->vendor, .device = m->device, .class = CLASS_3D};

	return alias_best(&id, module, size) && strcmp(module, BEFORE_5_16) ? module : NULL;
}

/* Which kind is to come nobody knows. */
void bare_variant_driver(struct finding *f, const struct patient *p)
{
	char module[64], driver[64] = "", without[128] = "";
	size_t used = 0;

	(void)p;
	if (!alias_known()) {
		finding(f, VERDICT_SKIP, "/lib/modules/%s/modules.alias cannot be read",
			sys_release());
		return;
	}
	for (const struct gpu_model *m = gpu_models; m->name; m++) {
		if (m->family != bare_family())
			continue;
		if (variant_for(m, module, sizeof(module)))
			snprintf(driver, sizeof(driver), "%s", module);
		else if (used < sizeof(without))
			used += snprintf(without + used, sizeof(without) - used, "%s%s",
					 used ? ", " : "", m->name);
	}
	if (!driver[0])
		finding(f, VERDICT_FAIL, "kernel %s has no VFIO variant driver for %s",
			sys_release(), without);
	else if (without[0])
		finding(f, VERDICT_WARN, "%s, which is not for %s", driver, without);
	else
		finding(f, VERDICT_PASS, "%s", driver);
}

void bare_module_built(struct finding *f, const struct patient *p)
{
	(void)p;
	module_built(f, bare_driver());
}

void bare_module_signed(struct finding *f, const struct patient *p)
{
	(void)p;
	module_signed(f, bare_driver());
}

static unsigned int count_in(const char *folder)
{
	char **names = sys_names(folder);
	unsigned int count = 0;

	while (names && names[count])
		count++;
	sys_names_free(names);
	return count;
}

/* A kernel may have the groups alone (POWER), or the IOMMUs alone before a driver is bound. */
void bare_iommu(struct finding *f, const struct patient *p)
{
	unsigned int groups = count_in("/sys/kernel/iommu_groups");
	unsigned int iommus = count_in("/sys/class/iommu");

	(void)p;
	if (!sys_exists("/sys"))
		finding(f, VERDICT_SKIP, "/sys cannot be read");
	else if (!groups && !iommus)
		finding(f, VERDICT_FAIL, "no IOMMU is on: /sys/class/iommu has none");
	else
		finding(f, VERDICT_PASS, "on: %u IOMMU%s, %u group%s", iommus, plural(iommus),
			groups, plural(groups));
}
