// SPDX-License-Identifier: GPL-2.0-only
/* Since 6.10 the VFIO core has an inode for each device. Written 2026-11-21. */
#include <linux/vfio.h>

static struct inode *__used probe(struct vfio_device *vdev)
{
	return vdev->inode;
}
