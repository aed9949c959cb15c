// SPDX-License-Identifier: GPL-2.0-only
/* Since 6.19 the core exports regions as dma-bufs and asks where they are. Written 2026-11-21. */
#include <linux/vfio_pci_core.h>

#if !IS_ENABLED(CONFIG_VFIO_PCI_DMABUF)
#error the core's part is a stub in this kernel
#endif

static int __used probe(const struct vfio_pci_core_device *core)
{
	return !core->pci_ops->get_dmabuf_phys;
}
