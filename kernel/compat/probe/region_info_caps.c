// SPDX-License-Identifier: GPL-2.0-only
/* Since 6.19 the core asks a driver for its regions' capabilities. Written 2026-11-21. */
#include <linux/vfio.h>

static int __used probe(const struct vfio_device_ops *ops)
{
	return !ops->get_region_info_caps;
}
