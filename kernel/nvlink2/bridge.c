// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bridge's side: its ATSD register, by which the guest has translations
 * invalidated in the GPU, in a device-specific region. The register is the
 * NPU's, whatever state the bridge is in.
 *
 * A region that has no register is still there, for its capabilities.
 */
#include "nvlink2/nvlink2.h"

#define NVLINK2_ATSD_ACCESS 8

/**
 * struct nvlink2_bridge_target - VFIO_REGION_INFO_CAP_NVLINK2_SSATGT of a bridge
 * @ssatgt: as <linux/vfio.h> has it
 * @link_speed: as in VFIO_REGION_INFO_CAP_NVLINK2_LNKSPD, 0: not known
 * @pad: zero
 *
 * The first design of this interface had one capability, id 4, with all three.
 * Its readers find them here, and those of <linux/vfio.h> read no further than
 * @ssatgt.
 */
struct nvlink2_bridge_target {
	struct vfio_region_info_cap_nvlink2_ssatgt ssatgt;
	u32 link_speed;
	u32 pad;
};

static int nvlink2_bridge_add_target(const struct nvlink2_firmware *fw,
				     struct vfio_info_cap *caps)
{
	struct nvlink2_bridge_target target = {
		.ssatgt.header.id = VFIO_REGION_INFO_CAP_NVLINK2_SSATGT,
		.ssatgt.header.version = 1,
		.ssatgt.tgt = fw->tgt,
		.link_speed = fw->speed,
	};

	if (!fw->has_tgt)
		return 0;
	return vfio_info_add_capability(caps, &target.ssatgt.header,
					sizeof(target));
}

static int nvlink2_bridge_add_speed(const struct nvlink2_firmware *fw,
				    struct vfio_info_cap *caps)
{
	struct vfio_region_info_cap_nvlink2_lnkspd speed = {
		.header.id = VFIO_REGION_INFO_CAP_NVLINK2_LNKSPD,
		.header.version = 1,
		.link_speed = fw->speed,
	};

	if (!fw->has_speed)
		return 0;
	return vfio_info_add_capability(caps, &speed.header, sizeof(speed));
}

static int nvlink2_bridge_add_capability(struct coherent_window *window,
					 struct vfio_info_cap *caps)
{
	struct nvlink2_device *nvdev =
		to_nvlink2_device(&window->cdev->core.vdev);
	int ret;

	ret = nvlink2_bridge_add_target(&nvdev->firmware, caps);
	return ret ?: nvlink2_bridge_add_speed(&nvdev->firmware, caps);
}

const struct coherent_region nvlink2_bridge_region = {
	.type = VFIO_REGION_TYPE_PCI_VENDOR_TYPE | PCI_VENDOR_ID_IBM,
	.subtype = VFIO_REGION_SUBTYPE_IBM_NVLINK2_ATSD,
	.cache = COHERENT_REGISTERS,
	.undecoded = true,
	.access = NVLINK2_ATSD_ACCESS,
	.add_capability = nvlink2_bridge_add_capability,
};
