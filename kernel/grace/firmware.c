// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the GPU's memory is: firmware says so in device properties of the PCI
 * function, and the function itself says whether its guests need an uncached
 * window (the "MIG bug" of Grace Hopper, fixed since; the fix is advertised in
 * an NVIDIA DVSEC). Nothing of this is believed before it is checked.
 */
#include <linux/property.h>
#include <linux/sizes.h>

#include "grace/grace.h"

#define NVGRACE_PROPERTY_BASE "nvidia,gpu-mem-base-pa"
#define NVGRACE_PROPERTY_SIZE "nvidia,gpu-mem-size"

#define NVGRACE_DVSEC 3
#define NVGRACE_DVSEC_FLAGS 0xA
#define NVGRACE_DVSEC_MIG_FIXED BIT(0)

#define NVGRACE_RESMEM_MIN SZ_1G
#define NVGRACE_USEMEM_ALIGN SZ_512M

/* The largest BAR that leaves the next region's offsets alone. */
#define NVGRACE_BAR_LIMIT BIT_ULL(VFIO_PCI_OFFSET_SHIFT)

static int nvgrace_firmware_mig_bug(struct pci_dev *pdev, bool *bug)
{
	u16 dvsec = pci_find_dvsec_capability(pdev, PCI_VENDOR_ID_NVIDIA,
					      NVGRACE_DVSEC);
	u16 flags;
	int ret;

	*bug = true;
	if (!dvsec)
		return 0;

	ret = pci_read_config_word(pdev, dvsec + NVGRACE_DVSEC_FLAGS, &flags);
	if (ret || PCI_POSSIBLE_ERROR(flags)) {
		pci_err(pdev, "NVIDIA DVSEC at %#x: read: device does not answer\n",
			dvsec);
		return -EIO;
	}
	*bug = !(flags & NVGRACE_DVSEC_MIG_FIXED);
	return 0;
}

/* Learn what there is. No memory is no error: @fw then tells why. */
int nvgrace_firmware_read(struct pci_dev *pdev, struct nvgrace_firmware *fw)
{
	struct device *dev = &pdev->dev;
	bool no_base = device_property_read_u64(dev, NVGRACE_PROPERTY_BASE,
						&fw->base);
	bool no_size = device_property_read_u64(dev, NVGRACE_PROPERTY_SIZE,
						&fw->size);

	if (no_base && no_size)
		fw->why = "firmware gives neither " NVGRACE_PROPERTY_BASE
			  " nor " NVGRACE_PROPERTY_SIZE;
	else if (no_base)
		fw->why = "firmware does not give " NVGRACE_PROPERTY_BASE;
	else if (no_size)
		fw->why = "firmware does not give " NVGRACE_PROPERTY_SIZE;
	else if (!fw->size)
		fw->why = NVGRACE_PROPERTY_SIZE
			  " is 0: the chip-to-chip link did not come up";
	if (fw->why)
		return 0;

	fw->present = true;
	return nvgrace_firmware_mig_bug(pdev, &fw->mig_bug);
}

int nvgrace_firmware_split(struct pci_dev *pdev,
			   const struct nvgrace_firmware *fw,
			   struct coherent_split *split)
{
	const struct coherent_split_input in = {
		.base = fw->base,
		.size = fw->size,
		.page_size = PAGE_SIZE,
		.address_limit = COHERENT_ADDRESS_LIMIT,
		.bar_limit = NVGRACE_BAR_LIMIT,
		.tail_min = fw->mig_bug ? NVGRACE_RESMEM_MIN : 0,
		.head_align = NVGRACE_USEMEM_ALIGN,
	};
	enum coherent_split_rule rule = coherent_split(&in, split);

	if (rule != COHERENT_SPLIT_OK)
		pci_err(pdev, "%s %#llx, %s %#llx: the memory must %s\n",
			NVGRACE_PROPERTY_BASE, fw->base, NVGRACE_PROPERTY_SIZE,
			fw->size, coherent_split_rule_text(rule));
	return coherent_split_rule_errno(rule);
}
