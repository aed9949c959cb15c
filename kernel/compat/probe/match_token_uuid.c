// SPDX-License-Identifier: GPL-2.0-only
/* Since 6.17 the core matches tokens through the driver. Written 2026-11-21. */
#include <linux/vfio_pci_core.h>

static const struct vfio_device_ops ops __used = {
	.match_token_uuid = vfio_pci_core_match_token_uuid,
};
