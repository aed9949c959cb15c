// SPDX-License-Identifier: GPL-2.0-only
/*
 * POWER's kernel 6.1: its VFIO core takes no device, as the IOMMU there does not say that it is
 * coherent. The driver loads, and is refused in the core's words alone.
 */
#include <errno.h>

#include "nvlink.h"

static void refused(const char *bdf)
{
	const char *const any[] = {bdf, NULL};
	const char *const core[] = {bdf, "failed with error -22", NULL};
	int all = util_log_mark(), cores = util_log_mark();

	EQ(pci_bind_errno(bdf, NVLINK_DRIVER), EINVAL, "%s: bind: errno", bdf);
	EQ(util_log_lines(cores, core), 1, "%s: lines of the core's", bdf);
	EQ(util_log_lines(all, any), 1, "%s: lines", bdf);
}

static void bind_is_refused(void)
{
	const struct nvlink_want one_link = {.links = "1"};
	struct nvlink nv;

	nvlink_make(&nv, 0, &one_link);
	for (int i = 0; i < 2; i++) {
		refused(nv.gpu.bdf);
		refused(nv.bridge[0].bdf);
	}
	EQ(pci_module_remove(NVLINK_DRIVER), 0, "removing the driver");
	EQ(pci_module_insert(NVLINK_DRIVER), 0, "loading it again");
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(bind_is_refused),
	};

	nvlink_suite();
	return ktap_main("no_vfio_power", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
