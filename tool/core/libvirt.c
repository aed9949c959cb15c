// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>

#include "core/libvirt.h"

/*
 * A vSMMU for a host bridge is there since 11.10, what it takes of these GPUs in 12.8 at the latest,
 * and so is the window of a "virt".
 */
const struct program_part libvirt_parts[LIBVIRT_PARTS] = {
	[LIBVIRT_RAS] = {"<ras>", 1004, 0, "one bad cell of the GPU's memory ends the VM"},
	[LIBVIRT_NODESET] = {"<acpi nodeset>", 1108, 0,
			     "the guest has no NUMA nodes for the GPU's memory"},
	[LIBVIRT_IOMMUFD] = {"<driver iommufd>", 1201, 0,
			     "no accelerated vSMMU: CUDA does not start in the guest"},
	[LIBVIRT_VSMMU] = {"<iommu> with accel, ats, ssidsize and oas", 1208, 0,
			   "no accelerated vSMMU: CUDA does not start in the guest"},
	[LIBVIRT_HOLE] = {"<pcihole64> of a virt machine", 1208, 0,
			  "no more than 512 GiB of BARs: it refuses the definition"},
};

unsigned int libvirt_version(void)
{
	static const char *const daemons[] = {LIBVIRT_DAEMON, "/usr/sbin/libvirtd"};
	unsigned int version = 0;

	for (size_t i = 0; i < sizeof(daemons) / sizeof(*daemons) && !version; i++)
		version = program_version(daemons[i], "(libvirt) ");
	return version;
}
