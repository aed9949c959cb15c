// SPDX-License-Identifier: GPL-2.0-only
#include "sibling.h"

#include <string.h>

static bool sibling_there(char *bdf)
{
	return pci_find(0x1b36, 0x0005, NULL, bdf);
}

const char *sibling_bdf(void)
{
	static char bdf[PCI_BDF_SIZE];

	OK(sibling_there(bdf), "no function beside a GPU in this machine");
	return bdf;
}

struct gpu_want sibling_want(const char *preset)
{
	static char slot[PCI_BDF_SIZE];

	snprintf(slot, sizeof(slot), "%s", sibling_bdf());
	slot[strlen(slot) - 1] = '0';
	return (struct gpu_want){.preset = preset, .bdf = slot, .mem_size = "1536M", .scrub = "0"};
}

void sibling_bind(void)
{
	EQ(pci_module_insert("vfio-pci"), 0, "modprobe vfio-pci");
	pci_bind(sibling_bdf(), "vfio-pci");
}

void sibling_open(struct vfio_dev *sibling, const struct gpu *g)
{
	EQ(pci_iommu_group(sibling_bdf()), pci_iommu_group(g->bdf), "IOMMU group");
	vfio_open_beside(sibling, sibling_bdf(), &g->vfio);
}

void sibling_cleanup(void)
{
	char bdf[PCI_BDF_SIZE];

	if (sibling_there(bdf)) {
		pci_unbind(bdf);
		pci_attr_write(bdf, "driver_override", "\n");
	}
	gpu_cleanup();
}
