// SPDX-License-Identifier: GPL-2.0-only
/* What a V100 on POWER9 needs of its kernel, and of its NVLink bridges, for a guest to use it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys.h"
#include "core/text.h"
#include "doctor/doctor.h"

#define SYMBOLS "/proc/kallsyms"

const char *const nvlink2_symbols[] = {
	"pnv_npu2_map_lpar_dev",
	"pnv_npu2_unmap_lpar_dev",
	NULL,
};

int nvlink2_has_symbol(const char *name)
{
	FILE *file = fopen(sys_path(SYMBOLS), "re");
	char *line = NULL, type, symbol[128], module[64];
	size_t size = 0;
	int found = file ? 0 : -1, words;

	/*
	 * A function of the kernel's that is local, 't', nobody can make use of. Of a module's all
	 * are shown so that are exported to GPL modules only.
	 */
	while (found == 0 && getline(&line, &size, file) > 0) {
		words = sscanf(line, "%*x %c %127s %63s", &type, symbol, module);
		found = words >= 2 && !strcmp(symbol, name) &&
			(type == 'T' || (type == 't' && words == 3));
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

/* A VM's open of the GPU makes the NPU translate the guest's addresses, or fails. */
void check_guest_mapping(struct finding *f, const struct patient *p)
{
	(void)p;
	finding(f, VERDICT_PASS, "%s()", nvlink2_symbols[0]);
	for (const char *const *name = nvlink2_symbols; *name; name++) {
		int found = nvlink2_has_symbol(*name);

		if (found < 0)
			finding(f, VERDICT_SKIP, "/proc/kallsyms cannot be read");
		else if (!found && f->verdict == VERDICT_PASS)
			finding(f, VERDICT_FAIL, "this kernel and its modules have no %s()", *name);
	}
}

void check_bridge_functions(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	(void)p;
	if (!gpu->bridges)
		finding(f, VERDICT_FAIL, "%d bridge%s: this kernel gives them no PCI functions",
			gpu->links, plural(gpu->links));
	else if (gpu->bridges < gpu->links)
		finding(f, VERDICT_FAIL, "%d bridge%s: this kernel gives PCI functions to %d",
			gpu->links, plural(gpu->links), gpu->bridges);
	else
		finding(f, VERDICT_PASS, "%d bridge%s", gpu->links, plural(gpu->links));
}

/* A guest gets all of them, or its driver has links to nowhere. */
void check_bridges(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	bool given = gpu_is_vfio_driver(gpu->driver);
	char why[192];

	(void)p;
	if (!gpu->bridges)
		finding(f, VERDICT_SKIP, "none is a PCI function");
	else if (bridge_trouble(gpu, why, sizeof(why)))
		finding(f, given ? VERDICT_FAIL : VERDICT_WARN, "%s", why);
	else
		finding(f, VERDICT_PASS, "%d, %s", gpu->bridges,
			given ? "all of them VFIO's" : "all free");
}

/* QEMU gives the guest a group's registers with the group's host bridge. */
void check_bridge_group(struct finding *f, const struct gpu *gpu, const struct patient *p)
{
	char why[192];

	(void)p;
	if (gpu->group < 0 || !gpu->bridges)
		finding(f, VERDICT_SKIP,
			gpu->bridges ? "in no IOMMU group" : "none is a PCI function");
	else if (bridge_apart_trouble(gpu, why, sizeof(why)))
		finding(f, VERDICT_FAIL, "%s", why);
	else
		finding(f, VERDICT_PASS, "%d, all in group %d", gpu->bridges, gpu->group);
}
